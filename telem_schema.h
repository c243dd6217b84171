/* telem_schema.h - v0.1 - what a record is: fields, units, encoding, text - C99 and C++11 - MIT (end of file)

   USE
       In ONE .c (or .cc) file: #define TELEM_IMPLEMENTATION, then #include "telem_schema.h".
       Everywhere else include it without the define. Needs telem.h beside it and, where the
       implementation is compiled, xxhash.h (header-only; the distribution's package, or the
       upstream file dropped beside this one). No malloc, no stdio, no locale, no recursion; of
       libc only memcpy, memset, memcmp (telem_print_f64, telem_parse_f64 and their kin: memmove).

   QUICK START

       #define TELEM_IMPLEMENTATION
       #include "telem_schema.h"
       #include <stdio.h>

       TELEM_LABELS(mode_labels, {0, "DISARMED"}, {1, "ARMED"});
       #define IMU_TABLE(F)                                            \
           F(FIELD,  f32, ax, "m/s^2", "acceleration forward")         \
           F(SCALED, i16, gx, "deg/s", 0.061, 0.0, "gyro, raw counts") \
           F(ENUM,   u8, mode, mode_labels, "flight mode")
       TELEM_DEFINE(Imu, IMU_TABLE, "inertial unit");      // struct Imu and Imu_schema

       int main(void) {
           Imu r = TELEM_ZERO;
           uint8_t row[64];                                // telem_schema_row_size() or more
           char line[200];
           r.ax = 1.5f;
           r.gx = 100;
           r.mode = 1;
           if (telem_schema_pack(&Imu_schema, &r, row) != TELEM_OK) return 1;
           telem_row_print_text(&Imu_schema, row, TELEM_PRINT_UNITS, line, sizeof line);
           puts(line);                                     // ax=1.5m/s^2 gx=6.1deg/s mode=ARMED
           return 0;
       }

   GUARANTEES AND LIMITS (each with the test in tests/ that proves it)
       - Equal records have equal rows, whatever the padding of the struct holds.
                                                    equal_records_have_equal_rows
       - Bytes handed to decode are hostile: every length is bounded by what remains, work and
         memory are bounded by the input's length.  every_truncation_is_refused,
                                                    every_flipped_byte_is_refused_or_canonical
       - One schema has one encoding and one encoding one schema; chunks of any size give the same
         bytes; the fingerprint is the same on every target.
                                                    random_schemas_round_trip, fingerprint_is_pinned
       - Text printed by telem_schema_print is parsed back to the same encoding.
                                                    random_schemas_round_trip
       - Floats print as the shortest decimal that reads back to the same bits, the closest of the
         shortest; parsing is correctly rounded. No locale. tests/test_schema_numbers.c
       - Limits: 65,535 columns, depth 8 (the outermost struct counts), row 16 MiB, encoding 1 MiB,
         names 255 bytes, descriptions 4096 bytes.  each_limit_is_enforced
       - Stack on a Cortex-M4 at -O2: below 1.5 KB in any call (exact number conversion 0.7 KB,
         decoder 0.7 KB, parser 0.6 KB, each in its own call tree); packing and encoding below 0.6 KB.
       - All functions are pure: any thread, any ISR, as long as nobody writes what they read.
       - A telem_schema handed in must have passed telem_schema_check once if it was not made by
         this header's decode, parse or builder; it is the caller's own, not hostile.

   CONTENTS
       row form . canonical encoding . text grammar . types and fields . tables . checking .
       row form API . columns . encoding API . run time . text . numbers . cells and rows

   ROW FORM
       The columns in order, little-endian, without padding, of one fixed size per schema:
         bool                  1 byte, 0 or 1
         integers, enums, bits 1, 2, 4 or 8 bytes, two's complement
         f16 bf16 f32 f64      the IEEE 754 bits (bf16: the upper half of an f32)
         chars                 `size` bytes of text; behind the first NUL all bytes are zero
         bytes                 `size` bytes
         string, blob          u32 length (0..size), then `size` bytes; behind the length all zero
         optional field        one byte, 0 (absent) or 1, then the value; an absent value is all
                               zero bytes, presence bytes inside it included
         array                 one element after the other; an optional array has one presence byte
         struct                its fields in place

   CANONICAL ENCODING (part of the stream format; integers are varints of telem.h, so canonical)
       str      := varint length, that many bytes. No NUL byte inside.
       schema   := byte 01, varint n, identity (n bytes), varint m, extra (m bytes)
       identity := struct
       struct   := str name (1..255), varint field count (0..65535; 0 only in the outermost), field*
       field    := u8 type (1..24), u8 flags, str name (1..255), str unit (0..255),
                   [flags & 0x40]         varint elements of the array, 1..65535
                   [chars bytes string blob]  varint size, 1..16777216
                   [enum* bits*]          varint label count, 0..65535, and for each
                                          varint value (enum: fits the width; bits: bit number
                                          below the width), str label (1..255)
                   [struct]               struct
                   [flags & 0x80]         f64 scale, f64 bias (little-endian bits), u8 decimals
       flags    := 0x01 optional, 0x02 monotonic, 0x04 counter, 0x08 index, 0x10 volatile,
                   0x20 key, 0x40 array, 0x80 scaling follows
       extra    := str desc (0..4096), varint major, varint minor, varint patch (0..65535 each),
                   then for every field in encoding order (a struct field before its members)
                   str desc, str aliases, str default (0..4096 each)

       Names, units and labels hold no control characters (bytes below 0x20, and 0x7F) and are
       UTF-8 by convention. Scaling stands exactly where scale is not 1 or bias or decimals are
       not 0, and only on u8..u64, i8..i64, f16, bf16, f32, f64; scale and bias are finite, scale
       is never 0 (1 is written), bias never -0; decimals is 0 (not declared) or the number of
       decimals plus 1, at most 19. counter stands on u8..u64 and i8..i64 only.
       A decoder answers
         UNSUPPORTED  first byte not 01; field type above 24
         TRUNCATED    the bytes end before n or m bytes of identity or extra are there
         LIMIT        more than 65,535 columns, a row over 16 MiB, depth over 8, over 1 MiB
         CORRUPT      everything else, bytes left over included
       so what it accepts is what encode writes, byte for byte.
       A nested struct's own description and version are not kept.

       fingerprint := XXH32(identity, seed 0) | XXH32(identity, seed 0x9E3779B1) << 32
       The tag in a data block is the low 16 bits of it. Descriptions, aliases, defaults and the
       version do not change it; names, units, types, sizes, labels and scaling do.

   TEXT GRAMMAR
       schema  := "schema" name [number "." number "." number] [string] body
       body    := "{" field* "}"
       field   := flag* type name ["[" number "]"] attribute* [string] ";"
       flag    := "optional" | "monotonic" | "counter" | "index" | "volatile" | "key"
       type    := "bool" | "u8".."u64" | "i8".."i64" | "f16" | "bf16" | "f32" | "f64"
                | ("enum8" | "enum16" | "enum32" | "bits8" | "bits16" | "bits32")
                  "{" [name "=" number {"," name "=" number}] "}"
                | ("chars" | "bytes" | "string" | "blob") "(" number ")"
                | "struct" name body
       attribute := "unit" name | "scale" real | "bias" real | "decimals" number
                | "default" string | "aliases" string          each at most once, in any order
       name    := identifier | string          identifier: [A-Za-z_][A-Za-z0-9_]*
       string  := '"' characters '"'           escapes: \\ \" \n \r \t \xHH
       The string at the end of a schema's head or of a field is its description. Spaces and line
       ends only separate; # starts a comment up to the line's end. Without a version: 0.0.0.

         schema Imu 1.0.0 "inertial unit" {
             f32 ax unit "m/s^2" "acceleration forward";
             i16 gx unit "deg/s" scale 0.061 "gyro, raw counts";
             enum8 {DISARMED = 0, ARMED = 1} mode "flight mode";
             optional f32 motor[4] unit "%";
             struct Vec3 { f32 x; f32 y; f32 z; } path[8];
         }

   OPTIONS
       those of telem.h.

   PORTING
       IEEE 754 floats and 8-bit bytes are assumed and checked. MSVC is written for, untested. */

#include "telem.h" /* outside the guard: define-after-include reaches the core too */

#ifndef TELEM_SCHEMA_H
#define TELEM_SCHEMA_H

/* --------------------------------------------------------------------- types and fields ---- */

#define TELEM_MAX_DEPTH 8u           /* structs inside structs, the outermost counted */
#define TELEM_MAX_COLUMNS 65535u     /* leaf columns of a schema, presence columns included */
#define TELEM_MAX_ROW 16777216u      /* bytes of a row */
#define TELEM_MAX_ENCODING 1048576u  /* bytes of a schema's encoding */
#define TELEM_MAX_NAME 255u          /* bytes of a name, a unit, a label */
#define TELEM_MAX_DESC 4096u         /* bytes of a description, of aliases, of a default */

/* Every type: name, code on the wire (never changes), bytes of one value in a row (0: by the
   field's size, or a struct). In C: bool; uint8_t .. int64_t; uint16_t for f16 and bf16; float;
   double; unsigned integers for enums and bits; char[size]; uint8_t[size];
   struct { uint32_t len; char data[size]; }; struct { uint32_t len; uint8_t data[size]; }. */
#define TELEM_TYPES(X) \
    X(BOOL, 1, 1) X(U8, 2, 1) X(U16, 3, 2) X(U32, 4, 4) X(U64, 5, 8) X(I8, 6, 1) X(I16, 7, 2) \
    X(I32, 8, 4) X(I64, 9, 8) X(F16, 10, 2) X(BF16, 11, 2) X(F32, 12, 4) X(F64, 13, 8) \
    X(ENUM8, 14, 1) X(ENUM16, 15, 2) X(ENUM32, 16, 4) X(BITS8, 17, 1) X(BITS16, 18, 2) \
    X(BITS32, 19, 4) X(CHARS, 20, 0) X(BYTES, 21, 0) X(STRING, 22, 0) X(BLOB, 23, 0) X(STRUCT, 24, 0)

#define TELEM_I_ENUM(name, code, width) TELEM_##name = code,
typedef enum telem_type { TELEM_TYPES(TELEM_I_ENUM) TELEM_I_TYPE_END = 25 } telem_type;
#undef TELEM_I_ENUM

/* Field flags (also on the wire). */
#define TELEM_OPTIONAL 0x01u  /* has a presence byte */
#define TELEM_MONOTONIC 0x02u /* never decreases */
#define TELEM_COUNTER 0x04u   /* integer that steps by one from row to row; a row that only steps repeats */
#define TELEM_INDEX 0x08u     /* often searched: bounds are worth keeping */
#define TELEM_VOLATILE 0x10u  /* noise: no use looking for patterns */
#define TELEM_KEY 0x20u       /* rows of many sources interleave; this field tells them apart */

#define TELEM_DECIMALS(n) ((uint8_t)((n) + 1)) /* for telem_field.decimals: values have n decimals, 0..18 */
#define TELEM_PRESENCE_NEXT 0xFFFFFFFFu        /* for telem_field.presence: the byte behind the value */

typedef struct telem_label {
    uint32_t value; /* enum: the value; bits: the bit's number, 0..31 */
    const char *name;
} telem_label;

struct telem_schema;

/* Zero fields mean: not there. Strings are NUL-terminated, 1..255 bytes for name, labels, unit. */
typedef struct telem_field {
    uint32_t offset;   /* of the value in the C struct */
    uint32_t presence; /* offset of the uint8_t has_NAME, or TELEM_PRESENCE_NEXT; optional fields only */
    const char *name;
    const char *unit;          /* NULL or "": none */
    const char *desc;
    const char *aliases;       /* earlier names, comma separated */
    const char *def;           /* default as text; NULL: zero */
    const telem_label *labels; /* enum and bits */
    const struct telem_schema *nested; /* struct */
    double scale, bias;        /* physical = raw * scale + bias; scale 0: 1 */
    uint32_t size;             /* chars, bytes: bytes; string, blob: most bytes; else 0 */
    uint32_t stride;           /* from one array element to the next in the C struct; 0: no array */
    uint16_t count;            /* elements of a fixed array, >= 1; 0: no array */
    uint16_t label_count;
    uint8_t type, flags;       /* telem_type; TELEM_OPTIONAL .. TELEM_KEY */
    uint8_t decimals;          /* 0: not declared; else TELEM_DECIMALS(n) */
    uint8_t reserved;          /* 0 */
} telem_field;

typedef struct telem_schema {
    const char *name, *desc;
    const telem_field *fields;
    uint32_t size; /* sizeof the C struct */
    uint16_t field_count;
    uint16_t major, minor, patch; /* semantic version */
} telem_schema;

/* -------------------------------------------------------------------------------- tables ---- */

/* One table yields the struct and its schema. A line is F(KIND, ...):

     F(FIELD,  type, name, "unit", "desc")
     F(ARRAY,  type, name, count, "unit", "desc")             type name[count];
     F(SCALED, type, name, "unit", scale, bias, "desc")       physical = raw * scale + bias
     F(SCALEDS, type, name, count, "unit", scale, bias, "desc")
     F(COUNT,  type, name, "desc")                            steps by one from row to row
     F(OPT,    type, name, "unit", "desc")                    type name; uint8_t has_name;
     F(ENUM,   u8 | u16 | u32, name, labels, "desc")          labels: TELEM_LABELS
     F(OPTENUM, u8 | u16 | u32, name, labels, "desc")
     F(BITS,   u8 | u16 | u32, name, labels, "desc")
     F(CHARS,  name, size, "desc")                            char name[size];
     F(BYTES,  name, size, "desc")                            uint8_t name[size];
     F(STRING, name, size, "desc")                            struct { uint32_t len; char data[size]; } name;
     F(BLOB,   name, size, "desc")                            struct { uint32_t len; uint8_t data[size]; } name;
     F(OPTSTRING, name, size, "desc")
     F(STRUCT, Type, name, "desc")                            Type: made by TELEM_DEFINE before
     F(OPTSTRUCT, Type, name, "desc")
     F(STRUCTS, Type, name, count, "desc")
     F(FULL,   type, name, count or 0, "unit", scale, bias, decimals, flags, "desc")
     F(OPTFULL, ... the same ...)                             optional; flags without TELEM_OPTIONAL

   type is one of bool_ (or bool) u8 u16 u32 u64 i8 i16 i32 i64 f16 bf16 f32 f64; these words must
   not be macros of yours. count in FULL is a plain number or a macro that expands to one. */

/* typedef struct S S; S_fields and S_schema (static const), version 1.0.0. At file scope. */
#define TELEM_DEFINE(S, TABLE, desc) \
    TELEM_DEFINE_STRUCT(S, TABLE); \
    TELEM_DEFINE_SCHEMA(S, TABLE, desc)
#define TELEM_DEFINE_STRUCT(S, TABLE) \
    typedef struct S { \
        TABLE(TELEM_I_MEMBER) \
    } S
#define TELEM_DEFINE_SCHEMA(S, TABLE, desc) TELEM_DEFINE_SCHEMA_VERSION(S, TABLE, desc, 1, 0, 0)
#define TELEM_DEFINE_SCHEMA_VERSION(S, TABLE, desc, major, minor, patch) \
    TELEM_UNUSED static const telem_field S##_fields[] = {TABLE(TELEM_I_OFFSET(S) TELEM_I_LINE)}; \
    TELEM_I_SCHEMA(S##_schema, S##_fields, S, #S, desc, major, minor, patch)

/* Text into a string member, cut to its size: TELEM_SET_STRING(event.text, "armed"). */
#define TELEM_SET_STRING(member, text) \
    ((member).len = telem_string_copy((member).data, (uint32_t)sizeof((member).data), text))
/* Copies at most size bytes of NUL-terminated text (NULL: none) and zeros the rest; returns how many. */
static inline uint32_t telem_string_copy(char *data, uint32_t size, const char *text) {
    uint32_t n = 0;
    while (n < size && text && text[n]) {
        data[n] = text[n];
        n++;
    }
    memset(data + n, 0, size - n);
    return n;
}

/* TELEM_LABELS(mode_labels, {0, "DISARMED"}, {1, "ARMED"}); */
#define TELEM_LABELS(name, ...) TELEM_UNUSED static const telem_label name[] = {__VA_ARGS__}

/* A struct that exists. The compiler refuses a member whose size, signedness or kind (integer,
   float) is not the declared one: "size of array is negative" or "narrowing" at that member (gcc
   and clang; other compilers compare the size only).

     TELEM_DESCRIBE(imu_schema, struct imu, "imu", "inertial unit",
         TELEM_MEMBER(struct imu, ax, f32, "m/s^2", "acceleration forward"),
         TELEM_MEMBER_ARRAY(struct imu, motor, f32, "%", "motor outputs"),
         TELEM_MEMBER_ENUM(struct imu, mode, u8, mode_labels, "flight mode"));

   Pointers, unions and C bit-fields cannot be described. */
#define TELEM_DESCRIBE(schema, S, name, desc, ...) \
    TELEM_UNUSED static const telem_field schema##_fields[] = {__VA_ARGS__}; \
    TELEM_I_SCHEMA(schema, schema##_fields, S, name, desc, 1, 0, 0)
#define TELEM_MEMBER(S, m, type, unit, desc) \
    TELEM_I_OF(S, m, TELEM_I_AGREE(S, m, type)), \
        TELEM_I_PLAIN(m, 0, unit, desc, 0.0, 0.0, 0, 0, TELEM_I_W_##type, 0, 0)
#define TELEM_MEMBER_SCALED(S, m, type, unit, scale, bias, desc) \
    TELEM_I_OF(S, m, TELEM_I_AGREE(S, m, type)), \
        TELEM_I_PLAIN(m, 0, unit, desc, scale, bias, 0, 0, TELEM_I_W_##type, 0, 0)
#define TELEM_MEMBER_ARRAY(S, m, type, unit, desc) \
    TELEM_I_OF(S, m, TELEM_I_AGREE(S, m[0], type)), \
        TELEM_I_PLAIN(m, 0, unit, desc, 0.0, 0.0, TELEM_I_STRIDE(S, m), TELEM_I_COUNT(S, m), \
                      TELEM_I_W_##type, 0, 0)
/* has: the uint8_t member that is 1 when m holds a value */
#define TELEM_MEMBER_OPT(S, m, has, type, unit, desc) \
    TELEM_I_OF(S, m, TELEM_I_AGREE(S, m, type) + TELEM_I_AGREE(S, has, u8)), \
        TELEM_I_PLAIN(m, (uint32_t)offsetof(S, has), unit, desc, 0.0, 0.0, 0, 0, \
                      TELEM_I_W_##type, TELEM_OPTIONAL, 0)
/* everything of a plain value; flags without TELEM_OPTIONAL */
#define TELEM_MEMBER_FULL(S, m, type, unit, scale, bias, decimals, flags, desc) \
    TELEM_I_OF(S, m, TELEM_I_AGREE(S, m, type)), \
        TELEM_I_PLAIN(m, 0, unit, desc, scale, bias, 0, 0, TELEM_I_W_##type, flags, decimals)
/* width: u8, u16 or u32; the member may be a C enum of that size */
#define TELEM_MEMBER_ENUM(S, m, width, labels, desc) \
    TELEM_I_OF(S, m, TELEM_I_WHOLE(S, m, width)), \
        TELEM_I_LABELLED(m, 0, desc, labels, TELEM_I_WE_##width, 0)
#define TELEM_MEMBER_BITS(S, m, width, labels, desc) \
    TELEM_I_OF(S, m, TELEM_I_WHOLE(S, m, width)), \
        TELEM_I_LABELLED(m, 0, desc, labels, TELEM_I_WB_##width, 0)
#define TELEM_MEMBER_CHARS(S, m, desc) \
    TELEM_I_OF(S, m, TELEM_I_MUST(sizeof(((S *)0)->m[0]) == 1)), \
        TELEM_I_SIZED(m, 0, desc, sizeof(((S *)0)->m), TELEM_CHARS, 0)
#define TELEM_MEMBER_BYTES(S, m, desc) \
    TELEM_I_OF(S, m, TELEM_I_MUST(sizeof(((S *)0)->m[0]) == 1)), \
        TELEM_I_SIZED(m, 0, desc, sizeof(((S *)0)->m), TELEM_BYTES, 0)
/* m: struct { uint32_t len; char data[size]; }, or with uint8_t */
#define TELEM_MEMBER_STRING(S, m, desc) \
    TELEM_I_OF(S, m, TELEM_I_MUST(sizeof(((S *)0)->m.len) == 4 && sizeof(((S *)0)->m.data[0]) == 1)), \
        TELEM_I_SIZED(m, 0, desc, sizeof(((S *)0)->m.data), TELEM_STRING, 0)
#define TELEM_MEMBER_BLOB(S, m, desc) \
    TELEM_I_OF(S, m, TELEM_I_MUST(sizeof(((S *)0)->m.len) == 4 && sizeof(((S *)0)->m.data[0]) == 1)), \
        TELEM_I_SIZED(m, 0, desc, sizeof(((S *)0)->m.data), TELEM_BLOB, 0)
/* schema: the telem_schema object of the member's own type (telem_schema_check finds another size) */
#define TELEM_MEMBER_STRUCT(S, m, schema, desc) \
    TELEM_I_OF(S, m, 0), TELEM_I_NESTED(m, 0, desc, schema, sizeof(((S *)0)->m), 0, 0)
#define TELEM_MEMBER_STRUCTS(S, m, schema, desc) \
    TELEM_I_OF(S, m, 0), \
        TELEM_I_NESTED(m, 0, desc, schema, TELEM_I_STRIDE(S, m), TELEM_I_COUNT(S, m), 0)

/* ---- what the table macros are made of ---- */

#ifdef __cplusplus
typedef bool telem_i_bool;
#else
typedef _Bool telem_i_bool;
#endif
TELEM_STATIC_ASSERT(sizeof(telem_i_bool) == 1, telem_bool_is_one_byte);
TELEM_STATIC_ASSERT(sizeof(float) == 4 && sizeof(double) == 8, telem_floats_are_ieee_754);

/* type token -> C type, field type, and enum or bits of that width */
#define TELEM_I_C_bool telem_i_bool
#define TELEM_I_C_bool_ telem_i_bool
#define TELEM_I_C__Bool telem_i_bool
#define TELEM_I_C_u8 uint8_t
#define TELEM_I_C_u16 uint16_t
#define TELEM_I_C_u32 uint32_t
#define TELEM_I_C_u64 uint64_t
#define TELEM_I_C_i8 int8_t
#define TELEM_I_C_i16 int16_t
#define TELEM_I_C_i32 int32_t
#define TELEM_I_C_i64 int64_t
#define TELEM_I_C_f16 uint16_t
#define TELEM_I_C_bf16 uint16_t
#define TELEM_I_C_f32 float
#define TELEM_I_C_f64 double
#define TELEM_I_W_bool TELEM_BOOL
#define TELEM_I_W_bool_ TELEM_BOOL
#define TELEM_I_W__Bool TELEM_BOOL
#define TELEM_I_W_u8 TELEM_U8
#define TELEM_I_W_u16 TELEM_U16
#define TELEM_I_W_u32 TELEM_U32
#define TELEM_I_W_u64 TELEM_U64
#define TELEM_I_W_i8 TELEM_I8
#define TELEM_I_W_i16 TELEM_I16
#define TELEM_I_W_i32 TELEM_I32
#define TELEM_I_W_i64 TELEM_I64
#define TELEM_I_W_f16 TELEM_F16
#define TELEM_I_W_bf16 TELEM_BF16
#define TELEM_I_W_f32 TELEM_F32
#define TELEM_I_W_f64 TELEM_F64
#define TELEM_I_WE_u8 TELEM_ENUM8
#define TELEM_I_WE_u16 TELEM_ENUM16
#define TELEM_I_WE_u32 TELEM_ENUM32
#define TELEM_I_WB_u8 TELEM_BITS8
#define TELEM_I_WB_u16 TELEM_BITS16
#define TELEM_I_WB_u32 TELEM_BITS32

#define TELEM_I_SCHEMA(object, fields, S, name, desc, major, minor, patch) \
    TELEM_UNUSED static const telem_schema object = { \
        name, desc, fields, (uint32_t)sizeof(S), (uint16_t)(sizeof(fields) / sizeof((fields)[0])), \
        major, minor, patch}

/* A field's initialiser is TELEM_I_OFFSET(S) name-and-rest: the table's F is not told the struct,
   so the part that needs it comes before the line and is left open: offsetof(S, |name), ... */
#if defined(__GNUC__) || defined(__clang__)
#define TELEM_I_OFFSET(S) {(uint32_t)__builtin_offsetof(S,
#else
#define TELEM_I_OFFSET(S) {(uint32_t)((size_t) & ((S *)0)->
#endif

/* Everything of a field behind its offset; closes the brace. */
#define TELEM_I_REST(n, has, unit, desc, labels, nested, scale, bias, size, stride, count, nlabels, type, flags, dec) \
    has, #n, unit, desc, NULL, NULL, labels, nested, scale, bias, (uint32_t)(size), (uint32_t)(stride), \
        (uint16_t)(count), (uint16_t)(nlabels), (uint8_t)(type), (uint8_t)(flags), (uint8_t)(dec), 0}
#define TELEM_I_PLAIN(n, has, unit, desc, scale, bias, stride, count, type, flags, dec) \
    TELEM_I_REST(n, has, unit, desc, NULL, NULL, scale, bias, 0, stride, count, 0, type, flags, dec)
#define TELEM_I_LABELLED(n, has, desc, labels, type, flags) \
    TELEM_I_REST(n, has, NULL, desc, labels, NULL, 0.0, 0.0, 0, 0, 0, \
                 sizeof(labels) / sizeof((labels)[0]), type, flags, 0)
#define TELEM_I_SIZED(n, has, desc, size, type, flags) \
    TELEM_I_REST(n, has, NULL, desc, NULL, NULL, 0.0, 0.0, size, 0, 0, 0, type, flags, 0)
#define TELEM_I_NESTED(n, has, desc, schema, stride, count, flags) \
    TELEM_I_REST(n, has, NULL, desc, NULL, &schema, 0.0, 0.0, 0, stride, count, 0, TELEM_STRUCT, flags, 0)

/* table line -> member of the struct */
#define TELEM_I_MEMBER(KIND, ...) TELEM_I_MEMBER_##KIND(__VA_ARGS__)
#define TELEM_I_MEMBER_FIELD(t, n, u, d) TELEM_I_C_##t n;
#define TELEM_I_MEMBER_ARRAY(t, n, c, u, d) TELEM_I_C_##t n[c];
#define TELEM_I_MEMBER_SCALED(t, n, u, s, b, d) TELEM_I_C_##t n;
#define TELEM_I_MEMBER_SCALEDS(t, n, c, u, s, b, d) TELEM_I_C_##t n[c];
#define TELEM_I_MEMBER_COUNT(t, n, d) TELEM_I_C_##t n;
#define TELEM_I_MEMBER_OPT(t, n, u, d) TELEM_I_C_##t n; uint8_t has_##n;
#define TELEM_I_MEMBER_ENUM(t, n, l, d) TELEM_I_C_##t n;
#define TELEM_I_MEMBER_OPTENUM(t, n, l, d) TELEM_I_C_##t n; uint8_t has_##n;
#define TELEM_I_MEMBER_BITS(t, n, l, d) TELEM_I_C_##t n;
#define TELEM_I_MEMBER_CHARS(n, size, d) char n[size];
#define TELEM_I_MEMBER_BYTES(n, size, d) uint8_t n[size];
#define TELEM_I_MEMBER_STRING(n, size, d) struct { uint32_t len; char data[size]; } n;
#define TELEM_I_MEMBER_BLOB(n, size, d) struct { uint32_t len; uint8_t data[size]; } n;
#define TELEM_I_MEMBER_OPTSTRING(n, size, d) TELEM_I_MEMBER_STRING(n, size, d) uint8_t has_##n;
#define TELEM_I_MEMBER_STRUCT(T, n, d) T n;
#define TELEM_I_MEMBER_OPTSTRUCT(T, n, d) T n; uint8_t has_##n;
#define TELEM_I_MEMBER_STRUCTS(T, n, c, d) T n[c];
#define TELEM_I_MEMBER_FULL(t, n, c, u, s, b, dec, f, d) TELEM_I_C_##t n TELEM_I_DIM(c);
#define TELEM_I_MEMBER_OPTFULL(t, n, c, u, s, b, dec, f, d) TELEM_I_C_##t n TELEM_I_DIM(c); uint8_t has_##n;

/* table line -> name-and-rest of the field's initialiser */
#define TELEM_I_LINE(KIND, ...) TELEM_I_LINE_##KIND(__VA_ARGS__)
#define TELEM_I_LINE_FIELD(t, n, u, d) n), TELEM_I_PLAIN(n, 0, u, d, 0.0, 0.0, 0, 0, TELEM_I_W_##t, 0, 0),
#define TELEM_I_LINE_ARRAY(t, n, c, u, d) \
    n), TELEM_I_PLAIN(n, 0, u, d, 0.0, 0.0, sizeof(TELEM_I_C_##t), c, TELEM_I_W_##t, 0, 0),
#define TELEM_I_LINE_SCALED(t, n, u, s, b, d) n), TELEM_I_PLAIN(n, 0, u, d, s, b, 0, 0, TELEM_I_W_##t, 0, 0),
#define TELEM_I_LINE_SCALEDS(t, n, c, u, s, b, d) \
    n), TELEM_I_PLAIN(n, 0, u, d, s, b, sizeof(TELEM_I_C_##t), c, TELEM_I_W_##t, 0, 0),
#define TELEM_I_LINE_COUNT(t, n, d) \
    n), TELEM_I_PLAIN(n, 0, NULL, d, 0.0, 0.0, 0, 0, TELEM_I_W_##t, TELEM_COUNTER, 0),
#define TELEM_I_LINE_OPT(t, n, u, d) \
    n), TELEM_I_PLAIN(n, TELEM_PRESENCE_NEXT, u, d, 0.0, 0.0, 0, 0, TELEM_I_W_##t, TELEM_OPTIONAL, 0),
#define TELEM_I_LINE_ENUM(t, n, l, d) n), TELEM_I_LABELLED(n, 0, d, l, TELEM_I_WE_##t, 0),
#define TELEM_I_LINE_OPTENUM(t, n, l, d) \
    n), TELEM_I_LABELLED(n, TELEM_PRESENCE_NEXT, d, l, TELEM_I_WE_##t, TELEM_OPTIONAL),
#define TELEM_I_LINE_BITS(t, n, l, d) n), TELEM_I_LABELLED(n, 0, d, l, TELEM_I_WB_##t, 0),
#define TELEM_I_LINE_CHARS(n, size, d) n), TELEM_I_SIZED(n, 0, d, size, TELEM_CHARS, 0),
#define TELEM_I_LINE_BYTES(n, size, d) n), TELEM_I_SIZED(n, 0, d, size, TELEM_BYTES, 0),
#define TELEM_I_LINE_STRING(n, size, d) n), TELEM_I_SIZED(n, 0, d, size, TELEM_STRING, 0),
#define TELEM_I_LINE_BLOB(n, size, d) n), TELEM_I_SIZED(n, 0, d, size, TELEM_BLOB, 0),
#define TELEM_I_LINE_OPTSTRING(n, size, d) \
    n), TELEM_I_SIZED(n, TELEM_PRESENCE_NEXT, d, size, TELEM_STRING, TELEM_OPTIONAL),
#define TELEM_I_LINE_STRUCT(T, n, d) n), TELEM_I_NESTED(n, 0, d, T##_schema, 0, 0, 0),
#define TELEM_I_LINE_OPTSTRUCT(T, n, d) \
    n), TELEM_I_NESTED(n, TELEM_PRESENCE_NEXT, d, T##_schema, 0, 0, TELEM_OPTIONAL),
#define TELEM_I_LINE_STRUCTS(T, n, c, d) n), TELEM_I_NESTED(n, 0, d, T##_schema, sizeof(T), c, 0),
#define TELEM_I_LINE_FULL(t, n, c, u, s, b, dec, f, d) \
    n), TELEM_I_PLAIN(n, 0, u, d, s, b, (c) ? sizeof(TELEM_I_C_##t) : 0, c, TELEM_I_W_##t, f, dec),
#define TELEM_I_LINE_OPTFULL(t, n, c, u, s, b, dec, f, d) \
    n), TELEM_I_PLAIN(n, TELEM_PRESENCE_NEXT, u, d, s, b, (c) ? sizeof(TELEM_I_C_##t) : 0, c, \
                      TELEM_I_W_##t, (f) | TELEM_OPTIONAL, dec),

/* [c], or nothing when c is 0: TELEM_I_ZERO_0 brings a second argument, any other does not */
#define TELEM_I_DIM(c) TELEM_I_DIM2(c)
#define TELEM_I_DIM2(c) TELEM_I_DIM3(TELEM_I_ZERO_##c, [c], ~)
#define TELEM_I_DIM3(...) TELEM_I_DIM4(__VA_ARGS__)
#define TELEM_I_DIM4(probe, dim, ...) dim
#define TELEM_I_ZERO_0 ~,

/* checks of members of existing structs: an expression that is 0, or does not compile */
#define TELEM_I_OF(S, m, check) {(uint32_t)(offsetof(S, m) + (check))
#define TELEM_I_STRIDE(S, m) sizeof(((S *)0)->m[0])
#define TELEM_I_COUNT(S, m) (sizeof(((S *)0)->m) / sizeof(((S *)0)->m[0]))
#define TELEM_I_MUST(cond) (0 * sizeof(char[(cond) ? 1 : -1]))
#define TELEM_I_SAME_SIZE(S, m, type) TELEM_I_MUST(sizeof(((S *)0)->m) == sizeof(TELEM_I_C_##type))
#if defined(__GNUC__) || defined(__clang__)
#ifdef __cplusplus
#define TELEM_I_IS_REAL(T) ((double)(T)0.5 == 0.5)
#define TELEM_I_IS_SIGNED(T) ((T)-1 < (T)1)
#else /* C wants an integer constant expression: a float must not even be compared */
#define TELEM_I_IS_REAL(T) \
    (__builtin_types_compatible_p(T, float) || __builtin_types_compatible_p(T, double))
#define TELEM_I_INTEGER(T) __typeof__(__builtin_choose_expr(TELEM_I_IS_REAL(T), 0, (T)0))
#define TELEM_I_IS_SIGNED(T) ((TELEM_I_INTEGER(T)) - 1 < (TELEM_I_INTEGER(T))1)
#endif
#define TELEM_I_IS_KIND(S, m, real, sign) \
    (TELEM_I_IS_REAL(__typeof__(((S *)0)->m)) == (real) && TELEM_I_IS_SIGNED(__typeof__(((S *)0)->m)) == (sign))
#define TELEM_I_AGREE(S, m, type) \
    TELEM_I_MUST(sizeof(((S *)0)->m) == sizeof(TELEM_I_C_##type) && \
                 TELEM_I_IS_KIND(S, m, TELEM_I_IS_REAL(TELEM_I_C_##type), TELEM_I_IS_SIGNED(TELEM_I_C_##type)))
/* enum and bits: an integer or a C enum, signed or not */
#define TELEM_I_WHOLE(S, m, type) \
    TELEM_I_MUST(sizeof(((S *)0)->m) == sizeof(TELEM_I_C_##type) && !TELEM_I_IS_REAL(__typeof__(((S *)0)->m)))
#else
#define TELEM_I_IS_KIND(S, m, real, sign) 1
#define TELEM_I_AGREE(S, m, type) TELEM_I_SAME_SIZE(S, m, type)
#define TELEM_I_WHOLE(S, m, type) TELEM_I_SAME_SIZE(S, m, type)
#endif

/* ------------------------------------------------------------------------------ checking ---- */

/* Is the schema one that every function here can work with? ERR_ARG: a name, flag, size, label,
   offset or scaling that the manual forbids; ERR_LIMIT: over a limit. err (may be NULL): offset is
   the field's number in encoding order, from 0; what says which rule. Cost: one pass. */
TELEM_API telem_result telem_schema_check(const telem_schema *s, telem_error *err);
/* Bytes of a row, and leaf columns with presence columns. One pass over the fields. */
TELEM_API uint32_t telem_schema_row_size(const telem_schema *s);
TELEM_API uint32_t telem_schema_columns(const telem_schema *s);

/* -------------------------------------------------------------------------- row form API ---- */

/* Struct to row (telem_schema_row_size bytes). ERR_RANGE when a string's len exceeds its size; the
   row is then half written. Presence and bool members: non-zero is 1. */
TELEM_API telem_result telem_schema_pack(const telem_schema *s, const void *rec, void *row);
/* Row to struct; the row may hold any bytes: CORRUPT when a string's length exceeds its size (the
   struct is then half written), all else is brought to canonical form. Padding of the struct stays
   untouched. */
TELEM_API telem_result telem_schema_unpack(const telem_schema *s, const void *row, void *rec);

/* ------------------------------------------------------------------------------- columns ---- */

#define TELEM_NO_GUARD 0xFFFFFFFFu

/* A run of equal columns: a scalar, an array of scalars, or a presence byte. */
typedef struct telem_column {
    const telem_field *field;
    uint32_t row;    /* offset in the row of the first element */
    uint32_t rec;    /* offset in the C struct of the first element */
    uint32_t stride; /* from element to element in the C struct */
    uint32_t width;  /* bytes of one element in the row (string, blob: 4 + size) */
    uint32_t count;  /* elements, >= 1 */
    uint32_t index;  /* column number of the first element */
    uint32_t covers; /* presence columns: bytes of row that follow and are absent when it is 0 */
    uint32_t guard;  /* offset in the row of the innermost presence byte that governs this column
                        (for a presence column: the one around it), or TELEM_NO_GUARD */
    uint8_t type;    /* presence columns: TELEM_BOOL */
    uint8_t presence; /* 1: the presence column of `field` */
} telem_column;

/* The walk over a schema; opaque. 176 bytes on 32-bit machines, 208 on 64-bit ones. */
typedef struct telem_columns {
    struct {
        const telem_schema *schema;
        uint32_t rec, guard, element;
        uint16_t field;
    } at[TELEM_MAX_DEPTH];
    uint32_t row, index, guard;
    uint8_t depth, state;
} telem_columns;

/* for (telem_columns_begin(&it, s); telem_columns_next(&it, &c);) ... */
TELEM_API void telem_columns_begin(telem_columns *it, const telem_schema *s);
TELEM_API int telem_columns_next(telem_columns *it, telem_column *c); /* 1, or 0 at the end */
/* Dotted path of element `element` of the column that `it` yielded last: "imu.accel[2]"; a
   presence column ends in '?'. Like snprintf: returns the length needed, writes at most cap
   bytes, NUL included. */
TELEM_API size_t telem_columns_name(const telem_columns *it, const telem_column *c,
                                    uint32_t element, char *buf, size_t cap);
/* By such a path; an array without [n] means its first element. ERR_NOT_FOUND. element may be
   NULL. Of equal names the first is found. */
TELEM_API telem_result telem_schema_find_column(const telem_schema *s, const char *path,
                                                telem_column *c, uint32_t *element);

/* -------------------------------------------------------------------------- encoding API ---- */

/* Writes the bytes [from, from + cap) of the encoding; returns how many that were (0 behind the
   end), or a code when the schema does not pass telem_schema_check. buf NULL: the total size.
   Every call generates the encoding from its start: chunks cost RAM nothing, time n / cap times. */
TELEM_API int64_t telem_schema_encode(const telem_schema *s, uint64_t from, void *buf, size_t cap);
/* The schema's 64-bit name: see CANONICAL ENCODING. */
TELEM_API uint64_t telem_schema_fingerprint(const telem_schema *s);
/* Validates an encoding; returns the bytes of memory that decode needs, or a code. err may be
   NULL; its offset is the byte of the encoding. */
TELEM_API int64_t telem_schema_decode_bytes(const void *bytes, size_t n, telem_error *err);
/* Builds the schema in `memory` (the caller's; the schema lives as long as it does; `bytes` may
   go, but must not change during the call). C offsets as this compiler would lay out a struct of the same members in the same order,
   presence bytes behind their values: the layout of TELEM_DEFINE. */
TELEM_API telem_result telem_schema_decode(const void *bytes, size_t n, void *memory,
                                           size_t memory_size, const telem_schema **out,
                                           telem_error *err);

/* --------------------------------------------------------------------- built at run time ---- */

typedef struct telem_schema_builder {
    uint8_t *low, *high;   /* free memory lies between: fields grow up, strings down */
    telem_schema *schema;
    telem_field *fields;
    uint64_t row, columns; /* so far */
    uint32_t size, align;  /* of the C struct so far */
    telem_result failed;   /* the first error sticks */
} telem_schema_builder;

/* Memory is the caller's and must live as long as the schema: about 120 bytes and the strings per
   field. ERR_MEMORY when it is too small. */
TELEM_API telem_result telem_schema_builder_init(telem_schema_builder *b, void *memory,
                                                 size_t memory_size, const char *name,
                                                 const char *desc);
/* Appends a copy of f; its strings and labels are copied, nested must outlive the schema; offset,
   presence and stride are computed. */
TELEM_API telem_result telem_schema_builder_add(telem_schema_builder *b, const telem_field *f);
TELEM_API telem_result telem_schema_builder_version(telem_schema_builder *b, uint16_t major,
                                                    uint16_t minor, uint16_t patch);
/* Checks the whole. *out lies in the builder's memory. */
TELEM_API telem_result telem_schema_builder_finish(telem_schema_builder *b,
                                                   const telem_schema **out);

/* ------------------------------------------------------------------------------ text form ---- */

/* Like snprintf: returns the length needed without the NUL, writes at most cap bytes with it. */
TELEM_API size_t telem_schema_print(const telem_schema *s, char *buf, size_t cap);
/* Validates a text; returns the bytes of memory that parse needs, or a code. */
TELEM_API int64_t telem_schema_parse_bytes(const char *text, size_t n, telem_error *err);
/* Builds the schema in `memory` as decode does; the text is at most 16 MiB. ERR_SYNTAX, ERR_RANGE, ERR_LIMIT, ERR_ARG,
   ERR_MEMORY; err (may be NULL): offset is the byte of the text. */
TELEM_API telem_result telem_schema_parse(const char *text, size_t n, void *memory,
                                          size_t memory_size, const telem_schema **out,
                                          telem_error *err);

/* -------------------------------------------------------------------------------- numbers ---- */

/* Prints are like snprintf. The shortest decimal that reads back to the same bits, the closest of
   the shortest; fixed notation from 1e-6 to below 1e21, else 1.5e-7; "nan", "inf", "-inf", "-0".
   At most 25 characters. */
TELEM_API size_t telem_print_f64(char *buf, size_t cap, double v);
TELEM_API size_t telem_print_f32(char *buf, size_t cap, float v);
TELEM_API size_t telem_print_i64(char *buf, size_t cap, int64_t v);
TELEM_API size_t telem_print_u64(char *buf, size_t cap, uint64_t v);
/* All n bytes must be the number: ERR_SYNTAX else; ERR_RANGE when it does not fit (a float that
   would be infinite). Floats round to nearest even, correctly, at any length; "nan" and "inf" in
   any case; no hexadecimal. */
TELEM_API telem_result telem_parse_f64(const char *s, size_t n, double *v);
TELEM_API telem_result telem_parse_f32(const char *s, size_t n, float *v);
TELEM_API telem_result telem_parse_i64(const char *s, size_t n, int64_t *v);
TELEM_API telem_result telem_parse_u64(const char *s, size_t n, uint64_t *v);
/* IEEE 754 half and bfloat16. To the narrow form: nearest even, overflow to infinity, a NaN stays
   a (quiet) NaN. */
TELEM_API float telem_f16_to_f32(uint16_t h);
TELEM_API uint16_t telem_f32_to_f16(float v);
TELEM_API float telem_bf16_to_f32(uint16_t h);
TELEM_API uint16_t telem_f32_to_bf16(float v);

/* ------------------------------------------------------------------------- cells and rows ---- */

#define TELEM_PRINT_RAW 1u          /* raw counts instead of physical values */
#define TELEM_PRINT_UNITS 2u        /* the unit behind a number (text only) */
#define TELEM_PRINT_INT64_STRING 4u /* JSON: 64-bit integers as strings */
#define TELEM_PRINT_ENUM_NUMBER 8u  /* enums and bits as numbers */

/* One element of a column of a row as text, unquoted. Absent: "". Scaled fields print physical
   values: with the declared decimals, else at most 12 significant digits, none of them a trailing
   zero. Enums by label, else the number; bits "A|B", an unnamed bit as "bit7", none as "0"; bool
   true or false; bytes as hexadecimal digits; text as it is. */
TELEM_API size_t telem_cell_print(const telem_column *c, uint32_t element, const void *row,
                                  uint32_t flags, char *buf, size_t cap);
/* The inverse: reads the physical value (raw = (physical - bias) / scale, rounded to nearest),
   sets the cell and its innermost presence byte. Empty text: an optional field becomes absent, a
   text empty, an array element of an optional array zero. ERR_RANGE, ERR_SYNTAX: nothing is
   changed. */
TELEM_API telem_result telem_cell_parse(const telem_column *c, uint32_t element, const char *text,
                                        size_t n, void *row);
/* The physical value: 1 and *v, or 0 for text and bytes. Presence is not looked at. */
TELEM_API int telem_cell_number(const telem_column *c, uint32_t element, const void *row,
                                double *v);

/* Whole rows, like snprintf.
     text   ax=1.5m/s^2 mode=ARMED motor=[1,2] pos={x=1 y=2}; absent fields are left out
     json   {"ax":1.5,"pos":{"x":1},"m":[1,2],"t":null}; absent, NaN and infinite: null; text that
            is not UTF-8 has its bad bytes replaced by U+FFFD; bytes as hexadecimal strings
     csv    the cells of one line as RFC 4180 quotes them, without a line end, one for each column
            that is not a presence column; absent and NaN: empty */
TELEM_API size_t telem_row_print_text(const telem_schema *s, const void *row, uint32_t flags,
                                      char *buf, size_t cap);
TELEM_API size_t telem_row_print_json(const telem_schema *s, const void *row, uint32_t flags,
                                      char *buf, size_t cap);
TELEM_API size_t telem_row_print_csv(const telem_schema *s, const void *row, uint32_t flags,
                                     char *buf, size_t cap);
/* ax[m/s^2],pos.x[m],motor[0][%],... The unit is left out where the column holds raw counts. */
TELEM_API size_t telem_schema_print_csv_header(const telem_schema *s, uint32_t flags, char *buf,
                                               size_t cap);

#endif /* TELEM_SCHEMA_H */

/* ---- Stop here if you only use the API. ------------------------------------------------------ */

#if defined(TELEM_IMPLEMENTATION) && !defined(TELEM_SCHEMA_H_IMPLEMENTATION)
#define TELEM_SCHEMA_H_IMPLEMENTATION

/* Anchors: >>hash >>tree >>columns >>check >>pack >>encode >>decode >>builder >>digits >>numbers
   >>cells >>rows >>print >>parse */

/* >>hash: xxhash.h is not ours to make warning-free */
#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#elif defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wcast-align"
#endif
#include "xxhash.h"
#if defined(__clang__)
#pragma clang diagnostic pop
#elif defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/* XXH32 in a third of the code that xxhash's takes, for builds that optimise for size. */
TELEM_UNUSED static uint32_t telem_i_turn32(uint32_t v, unsigned n) { return v << n | v >> (32u - n); }
TELEM_UNUSED static uint32_t telem_i_small_xxh32(const void *data, size_t n, uint32_t seed) {
    const uint8_t *p = (const uint8_t *)data, *end = p + n;
    uint32_t a = 2654435761u, b = 2246822519u, c = 3266489917u, h = seed + 374761393u;
    if (n >= 16) {
        uint32_t v = seed + a + b, w = seed + b, x = seed, y = seed - a;
        const uint8_t *last = end - 15;
        do {
            v = telem_i_turn32(v + telem_get32(p) * b, 13) * a;
            w = telem_i_turn32(w + telem_get32(p + 4) * b, 13) * a;
            x = telem_i_turn32(x + telem_get32(p + 8) * b, 13) * a;
            y = telem_i_turn32(y + telem_get32(p + 12) * b, 13) * a;
            p += 16;
        } while (p < last);
        h = telem_i_turn32(v, 1) + telem_i_turn32(w, 7) + telem_i_turn32(x, 12) + telem_i_turn32(y, 18);
    }
    h += (uint32_t)n;
    for (; end - p >= 4; p += 4) h = telem_i_turn32(h + telem_get32(p) * c, 17) * 668265263u;
    for (; p != end; p++) h = telem_i_turn32(h + *p * 374761393u, 11) * a;
    h = (h ^ h >> 15) * b;
    h = (h ^ h >> 13) * c;
    return h ^ h >> 16;
}

TELEM_UNUSED static uint32_t telem_i_xxh32(const void *p, size_t n, uint32_t seed) {
#if defined(__OPTIMIZE_SIZE__)
    return telem_i_small_xxh32(p, n, seed);
#else
    return XXH32(p, n, seed);
#endif
}

#if defined(_WIN32) || (defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#define TELEM_I_LITTLE_ENDIAN 1
#else
#define TELEM_I_LITTLE_ENDIAN 0
#endif

#define TELEM_I_FLAGS 0x3Fu  /* flags of telem_field */
#define TELEM_I_ARRAY 0x40u  /* on the wire: an element count follows */
#define TELEM_I_SCALED 0x80u /* on the wire: scaling follows */
#define TELEM_I_MAX_DECIMALS 19u

/* Types fall into ranges of codes. */
static int telem_i_is_numeric(uint8_t type) { return type >= TELEM_U8 && type <= TELEM_F64; }
static int telem_i_is_integer(uint8_t type) { return type >= TELEM_U8 && type <= TELEM_I64; }
static int telem_i_is_signed(uint8_t type) { return type >= TELEM_I8 && type <= TELEM_I64; }
static int telem_i_is_float(uint8_t type) { return type >= TELEM_F16 && type <= TELEM_F64; }
static int telem_i_is_enum(uint8_t type) { return type >= TELEM_ENUM8 && type <= TELEM_ENUM32; }
static int telem_i_is_bits(uint8_t type) { return type >= TELEM_BITS8 && type <= TELEM_BITS32; }
static int telem_i_is_labelled(uint8_t type) { return type >= TELEM_ENUM8 && type <= TELEM_BITS32; }
static int telem_i_is_sized(uint8_t type) { return type >= TELEM_CHARS && type <= TELEM_BLOB; }

/* Bytes of one value of a scalar type; 0 for the rest. */
static uint32_t telem_i_scalar_width(uint8_t type) {
#define TELEM_I_WIDTH(name, code, width) width,
    static const uint8_t widths[] = {0, TELEM_TYPES(TELEM_I_WIDTH)};
#undef TELEM_I_WIDTH
    return type < sizeof widths ? widths[type] : 0u;
}

/* Bytes of one value in a row; 0 for a struct. */
static uint32_t telem_i_value_width(const telem_field *f) {
    if (f->type == TELEM_STRING || f->type == TELEM_BLOB) return 4u + f->size;
    if (telem_i_is_sized(f->type)) return f->size;
    return telem_i_scalar_width(f->type);
}

static uint32_t telem_i_elements(const telem_field *f) { return f->count ? f->count : 1u; }

static uint32_t telem_i_optional(const telem_field *f) { return f->flags & TELEM_OPTIONAL ? 1u : 0u; }

/* Alignment that this compiler gives a member of a scalar type in a struct. */
#define TELEM_I_ALIGN_OF(T, name) struct telem_i_align_##name { char c; T v; }
TELEM_I_ALIGN_OF(uint16_t, u16);
TELEM_I_ALIGN_OF(uint32_t, u32);
TELEM_I_ALIGN_OF(uint64_t, u64);
TELEM_I_ALIGN_OF(float, f32);
TELEM_I_ALIGN_OF(double, f64);

static uint32_t telem_i_value_align(const telem_field *f) {
    if (f->type == TELEM_F32) return (uint32_t)offsetof(struct telem_i_align_f32, v);
    if (f->type == TELEM_F64) return (uint32_t)offsetof(struct telem_i_align_f64, v);
    if (f->type == TELEM_STRING || f->type == TELEM_BLOB) return (uint32_t)offsetof(struct telem_i_align_u32, v);
    switch (telem_i_scalar_width(f->type)) {
    case 2: return (uint32_t)offsetof(struct telem_i_align_u16, v);
    case 4: return (uint32_t)offsetof(struct telem_i_align_u32, v);
    case 8: return (uint32_t)offsetof(struct telem_i_align_u64, v);
    default: return 1;
    }
}

static uint32_t telem_i_round_up(uint32_t v, uint32_t align) { return (v + align - 1) / align * align; }

/* sizeof the value in C: a string is a struct, padded behind its bytes. */
static uint32_t telem_i_value_size(const telem_field *f) {
    return f->type == TELEM_STRUCT ? f->nested->size : telem_i_round_up(telem_i_value_width(f), telem_i_value_align(f));
}

/* >>tree: the fields as they stand in the definition, a struct before its members, arrays not
   unfolded. A struct field is announced twice: FIELD before its members, LEAVE after them. */

enum { TELEM_I_TREE_END, TELEM_I_TREE_FIELD, TELEM_I_TREE_LEAVE, TELEM_I_TREE_DEEP };

typedef struct telem_i_tree {
    const telem_schema *at[TELEM_MAX_DEPTH];
    const telem_field *f; /* the field announced */
    uint16_t next[TELEM_MAX_DEPTH];
    uint8_t depth; /* of the struct that holds f; the outermost is 0 */
    uint8_t enter;
} telem_i_tree;

static void telem_i_tree_begin(telem_i_tree *t, const telem_schema *s) {
    t->at[0] = s;
    t->next[0] = 0;
    t->depth = t->enter = 0;
}

static int telem_i_tree_next(telem_i_tree *t) {
    const telem_schema *s;
    if (t->enter) {
        if (t->depth + 1u >= TELEM_MAX_DEPTH || !t->f->nested) return TELEM_I_TREE_DEEP;
        t->at[++t->depth] = t->f->nested;
        t->next[t->depth] = 0;
        t->enter = 0;
    }
    s = t->at[t->depth];
    if (t->next[t->depth] == s->field_count) {
        if (t->depth == 0) return TELEM_I_TREE_END;
        t->depth--;
        t->f = &t->at[t->depth]->fields[t->next[t->depth]++];
        return TELEM_I_TREE_LEAVE;
    }
    t->f = &s->fields[t->next[t->depth]];
    if (t->f->type == TELEM_STRUCT) t->enter = 1; /* stays `next` until it is left */
    else t->next[t->depth]++;
    return TELEM_I_TREE_FIELD;
}

/* What a struct amounts to so far. 64 bits: a count times an element can pass 32. */
typedef struct telem_i_layout {
    uint64_t columns, row;
    uint32_t size, align; /* of the C struct */
} telem_i_layout;

/* Adds `f`, whose elements amount to `element`, to the totals. */
static telem_result telem_i_layout_add(telem_i_layout *sum, const telem_field *f,
                                       uint64_t element_columns, uint64_t element_row) {
    sum->columns += element_columns * telem_i_elements(f) + telem_i_optional(f);
    sum->row += element_row * telem_i_elements(f) + telem_i_optional(f);
    return sum->columns > TELEM_MAX_COLUMNS || sum->row > TELEM_MAX_ROW ? TELEM_ERR_LIMIT : TELEM_OK;
}

/* Columns and row bytes of a whole schema. The limits end the walk early: every field adds a
   column, so even a schema that names one nested struct many times costs at most 65,535 steps. */
static telem_result telem_i_measure(const telem_schema *s, uint64_t *columns, uint64_t *row) {
    telem_i_layout sum[TELEM_MAX_DEPTH];
    telem_i_tree t;
    telem_result r = TELEM_OK;
    int event = 0;
    sum[0].columns = sum[0].row = 0;
    telem_i_tree_begin(&t, s);
    while (r == TELEM_OK && (event = telem_i_tree_next(&t)) != TELEM_I_TREE_END) {
        telem_i_layout *inner = &sum[(t.depth + 1u) % TELEM_MAX_DEPTH]; /* depth 7 never enters */
        if (event == TELEM_I_TREE_DEEP) return TELEM_ERR_LIMIT;
        if (event == TELEM_I_TREE_LEAVE)
            r = telem_i_layout_add(&sum[t.depth], t.f, inner->columns, inner->row);
        else if (t.f->type == TELEM_STRUCT) {
            if (t.depth + 1u < TELEM_MAX_DEPTH) inner->columns = inner->row = 0;
        } else r = telem_i_layout_add(&sum[t.depth], t.f, 1, telem_i_value_width(t.f));
    }
    *columns = sum[0].columns;
    *row = sum[0].row;
    return r;
}

TELEM_API uint32_t telem_schema_row_size(const telem_schema *s) {
    uint64_t columns, row;
    return telem_i_measure(s, &columns, &row) == TELEM_OK ? (uint32_t)row : 0u;
}

TELEM_API uint32_t telem_schema_columns(const telem_schema *s) {
    uint64_t columns, row;
    return telem_i_measure(s, &columns, &row) == TELEM_OK ? (uint32_t)columns : 0u;
}

/* >>columns: the same walk with arrays of structs unfolded. `state` says where in the current
   field of the innermost struct the walk stands. */

enum { TELEM_I_AT_FIELD, TELEM_I_AT_VALUE, TELEM_I_AT_NEXT };
enum { TELEM_I_END, TELEM_I_LEAF, TELEM_I_PRESENCE, TELEM_I_OPEN, TELEM_I_ELEMENT, TELEM_I_CLOSE };

TELEM_API void telem_columns_begin(telem_columns *it, const telem_schema *s) {
    it->at[0].schema = s;
    it->at[0].rec = it->at[0].element = it->at[0].field = 0;
    it->at[0].guard = TELEM_NO_GUARD;
    it->row = it->index = 0;
    it->guard = TELEM_NO_GUARD;
    it->depth = 0;
    it->state = TELEM_I_AT_FIELD;
}

static const telem_field *telem_i_field(const telem_columns *it, unsigned depth) {
    return &it->at[depth].schema->fields[it->at[depth].field];
}

/* Into element `element` of the struct field at the current depth. */
static void telem_i_enter(telem_columns *it, const telem_field *f, uint32_t guard) {
    uint32_t rec = it->at[it->depth].rec + f->offset + it->at[it->depth].element * f->stride;
    it->depth++;
    it->at[it->depth].schema = f->nested;
    it->at[it->depth].rec = rec;
    it->at[it->depth].guard = guard;
    it->at[it->depth].field = 0;
    it->at[it->depth].element = 0;
    it->state = TELEM_I_AT_FIELD;
}

static uint32_t telem_i_covers(const telem_field *f) {
    uint32_t one = f->type == TELEM_STRUCT ? telem_schema_row_size(f->nested) : telem_i_value_width(f);
    return one * telem_i_elements(f);
}

static uint32_t telem_i_presence_offset(const telem_field *f) {
    if (f->presence != TELEM_PRESENCE_NEXT) return f->presence;
    return f->offset + (f->count ? f->stride * f->count : telem_i_value_size(f));
}

/* Hands out the current field's presence byte, or its values. */
static void telem_i_yield(telem_columns *it, telem_column *c, const telem_field *f, int presence) {
    uint32_t base = it->at[it->depth].rec;
    c->field = f;
    c->presence = (uint8_t)presence;
    c->type = presence ? (uint8_t)TELEM_BOOL : f->type;
    c->row = it->row;
    c->index = it->index;
    c->rec = base + (presence ? telem_i_presence_offset(f) : f->offset);
    c->width = presence ? 1u : telem_i_value_width(f);
    c->count = presence ? 1u : telem_i_elements(f);
    c->stride = presence ? 1u : f->count ? f->stride : c->width;
    c->covers = presence ? telem_i_covers(f) : 0u;
    c->guard = presence ? it->at[it->depth].guard : it->guard;
    it->row += c->width * c->count;
    it->index += c->count;
}

/* The end of a struct's fields: its next element, or out of it. */
static int telem_i_leave(telem_columns *it) {
    uint32_t guard = it->at[it->depth].guard;
    const telem_field *f;
    it->depth--;
    f = telem_i_field(it, it->depth);
    if (++it->at[it->depth].element < telem_i_elements(f)) {
        telem_i_enter(it, f, guard);
        return TELEM_I_ELEMENT;
    }
    it->state = TELEM_I_AT_NEXT;
    return TELEM_I_CLOSE;
}

/* One step. *c is filled for LEAF and PRESENCE only. */
static int telem_i_step(telem_columns *it, telem_column *c) {
    const telem_field *f;
    if (it->state == TELEM_I_AT_NEXT) {
        it->at[it->depth].field++;
        it->state = TELEM_I_AT_FIELD;
    }
    if (it->at[it->depth].field == it->at[it->depth].schema->field_count)
        return it->depth == 0 ? (int)TELEM_I_END : telem_i_leave(it);
    f = telem_i_field(it, it->depth);
    if (it->state == TELEM_I_AT_FIELD) {
        it->state = TELEM_I_AT_VALUE;
        it->guard = it->at[it->depth].guard;
        if (f->flags & TELEM_OPTIONAL) {
            it->guard = it->row;
            telem_i_yield(it, c, f, 1);
            return TELEM_I_PRESENCE;
        }
    }
    if (f->type == TELEM_STRUCT) {
        if (it->depth + 1u >= TELEM_MAX_DEPTH || !f->nested) return TELEM_I_END; /* not checked */
        it->at[it->depth].element = 0;
        telem_i_enter(it, f, it->guard);
        return TELEM_I_OPEN;
    }
    telem_i_yield(it, c, f, 0);
    it->state = TELEM_I_AT_NEXT;
    return TELEM_I_LEAF;
}

TELEM_API int telem_columns_next(telem_columns *it, telem_column *c) {
    for (;;) {
        int event = telem_i_step(it, c);
        if (event == TELEM_I_END) return 0;
        if (event == TELEM_I_LEAF || event == TELEM_I_PRESENCE) return 1;
    }
}

/* Text into a buffer like snprintf: what does not fit is counted, not written. `mode` says what
   becomes of the characters on their way. */
enum { TELEM_I_AS_IS, TELEM_I_AS_CSV, TELEM_I_AS_JSON };

typedef struct telem_i_out {
    char *buf;
    size_t cap, len;
    uint8_t mode;    /* AS_CSV: quotes doubled; AS_JSON: the inside of a JSON string */
    uint8_t special; /* a character passed that CSV must quote */
} telem_i_out;

static void telem_i_out_raw(telem_i_out *o, const char *p, size_t n) {
    if (o->len < o->cap) memcpy(o->buf + o->len, p, n < o->cap - o->len ? n : o->cap - o->len);
    o->len += n;
}
static void telem_i_out_csv(telem_i_out *o, const char *p, size_t n) {
    for (; n > 0; n--, p++) {
        if (*p == ',' || *p == '"' || *p == '\n' || *p == '\r') o->special = 1;
        if (*p == '"') telem_i_out_raw(o, p, 1);
        telem_i_out_raw(o, p, 1);
    }
}
static void telem_i_out_json(telem_i_out *o, const char *p, size_t n);

static void telem_i_out_bytes(telem_i_out *o, const char *p, size_t n) {
    if (o->mode == TELEM_I_AS_IS) telem_i_out_raw(o, p, n);
    else if (o->mode == TELEM_I_AS_CSV) telem_i_out_csv(o, p, n);
    else telem_i_out_json(o, p, n);
}
static void telem_i_out_char(telem_i_out *o, char c) { telem_i_out_bytes(o, &c, 1); }
static void telem_i_out_str(telem_i_out *o, const char *s) {
    if (s) telem_i_out_bytes(o, s, telem_i_length(s));
}
/* Terminates; returns the length needed. */
static size_t telem_i_out_end(telem_i_out *o) {
    if (o->cap > 0) o->buf[o->len < o->cap ? o->len : o->cap - 1] = 0;
    return o->len;
}
static telem_i_out telem_i_out_begin(char *buf, size_t cap) {
    telem_i_out o;
    o.buf = buf;
    o.cap = buf ? cap : 0;
    o.len = 0;
    o.mode = o.special = 0;
    return o;
}
static void telem_i_out_u64(telem_i_out *o, uint64_t v) {
    char digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + (int)(v % 10u));
        v /= 10u;
    } while (v);
    telem_i_out_bytes(o, digits + n, sizeof digits - n);
}
static void telem_i_out_index(telem_i_out *o, uint32_t i) {
    telem_i_out_char(o, '[');
    telem_i_out_u64(o, i);
    telem_i_out_char(o, ']');
}

static void telem_i_out_path(telem_i_out *o, const telem_columns *it, const telem_column *c, uint32_t element) {
    unsigned d;
    for (d = 0; d < it->depth; d++) {
        const telem_field *f = telem_i_field(it, d);
        telem_i_out_str(o, f->name);
        if (f->count) telem_i_out_index(o, it->at[d].element);
        telem_i_out_char(o, '.');
    }
    telem_i_out_str(o, c->field->name);
    if (c->presence) telem_i_out_char(o, '?');
    else if (c->field->count) telem_i_out_index(o, element);
}

TELEM_API size_t telem_columns_name(const telem_columns *it, const telem_column *c, uint32_t element, char *buf, size_t cap) {
    telem_i_out o = telem_i_out_begin(buf, cap);
    telem_i_out_path(&o, it, c, element);
    return telem_i_out_end(&o);
}

/* A name at the head of a path: the rest behind it, or NULL. */
static const char *telem_i_match_name(const char *path, const char *name) {
    while (*name && *path == *name) path++, name++;
    return *name ? NULL : path;
}

/* "[12]" or nothing (0); leading zeros are not a number of ours. */
static const char *telem_i_match_index(const char *path, uint32_t *index) {
    uint32_t v = 0;
    *index = 0;
    if (*path != '[') return path;
    if (path[1] == '0' && path[2] != ']') return NULL;
    for (path++; *path >= '0' && *path <= '9' && v <= 65535u; path++) v = v * 10u + (uint32_t)(*path - '0');
    *index = v;
    return *path == ']' && path[-1] != '[' ? path + 1 : NULL;
}

static int telem_i_match_path(const telem_columns *it, const telem_column *c, const char *path, uint32_t *element) {
    unsigned d;
    uint32_t index;
    for (d = 0; d < it->depth; d++) {
        const telem_field *f = telem_i_field(it, d);
        path = telem_i_match_name(path, f->name);
        if (path && f->count) path = telem_i_match_index(path, &index);
        if (!path || (f->count && index != it->at[d].element) || *path++ != '.') return 0;
    }
    path = telem_i_match_name(path, c->field->name);
    if (!path) return 0;
    *element = 0;
    if (c->presence) return path[0] == '?' && path[1] == 0;
    if (c->field->count) path = telem_i_match_index(path, element);
    return path && *path == 0 && *element < c->count;
}

TELEM_API telem_result telem_schema_find_column(const telem_schema *s, const char *path, telem_column *c, uint32_t *element) {
    telem_columns it;
    telem_column here;
    uint32_t e;
    for (telem_columns_begin(&it, s); telem_columns_next(&it, &here);) {
        if (!telem_i_match_path(&it, &here, path, &e)) continue;
        *c = here;
        if (element) *element = e;
        return TELEM_OK;
    }
    return TELEM_ERR_NOT_FOUND;
}

/* >>check */

static int telem_i_is_text(const char *p, size_t n) { /* no control characters */
    const uint64_t each = ~(uint64_t)0 / 255u;
    uint64_t bad = 0, v;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&v, p, 8);
        bad |= (v - each * 0x20u) & ~v;                                       /* below 0x20.. */
        bad |= ((v ^ each * 0x7Fu) - each) & ~(v ^ each * 0x7Fu); /* ..or 0x7F: bit 7 of a byte, the first one's at least */
    }
    for (; n > 0; p++, n--) bad |= (uint8_t)*p < 0x20u || (uint8_t)*p == 0x7Fu ? 0x80u : 0u;
    return !(bad & each * 0x80u);
}

static int telem_i_name_ok(const char *s, size_t min) {
    size_t n = s ? telem_i_length(s) : 0;
    return n >= min && n <= TELEM_MAX_NAME && telem_i_is_text(s, n);
}
static int telem_i_desc_ok(const char *s) { return !s || telem_i_length(s) <= TELEM_MAX_DESC; }

/* By their bits: machines without a double unit need no double arithmetic for a schema. */
static uint64_t telem_i_f64_bits(double v) {
    uint64_t bits;
    memcpy(&bits, &v, 8);
    return bits;
}
static int telem_i_finite(double v) { return (telem_i_f64_bits(v) >> 52 & 0x7FFu) != 0x7FFu; }
static int telem_i_is_zero(double v) { return telem_i_f64_bits(v) << 1 == 0; }
static int telem_i_is_minus_zero(double v) { return telem_i_f64_bits(v) == (uint64_t)1 << 63; }
static int telem_i_is_one(double v) { return telem_i_f64_bits(v) == (uint64_t)0x3FF << 52; }

static int telem_i_is_scaled(const telem_field *f) {
    return telem_i_is_numeric(f->type) &&
           ((!telem_i_is_zero(f->scale) && !telem_i_is_one(f->scale)) || !telem_i_is_zero(f->bias) || f->decimals != 0);
}

static int telem_i_label_fits(uint8_t type, uint64_t value) {
    uint32_t bits = 8u * telem_i_scalar_width(type);
    return telem_i_is_bits(type) ? value < bits : value >> bits == 0;
}

static const char *telem_i_check_labels(const telem_field *f) {
    uint32_t i;
    if (f->label_count && !telem_i_is_labelled(f->type)) return TELEM_I_WORDS("labels on a type without labels");
    if (f->label_count && !f->labels) return TELEM_I_WORDS("labels is NULL");
    for (i = 0; i < f->label_count; i++) {
        if (!telem_i_name_ok(f->labels[i].name, 1)) return TELEM_I_WORDS("label empty, too long or with control characters");
        if (!telem_i_label_fits(f->type, f->labels[i].value)) return TELEM_I_WORDS("label value does not fit");
    }
    return NULL;
}

/* The rules for what is no text. NULL: valid. */
static const char *telem_i_check_shape(const telem_field *f) {
    if (f->type < TELEM_BOOL || f->type > TELEM_STRUCT) return TELEM_I_WORDS("unknown type");
    if (f->flags & ~TELEM_I_FLAGS) return TELEM_I_WORDS("unknown flag");
    if ((f->flags & TELEM_COUNTER) && !telem_i_is_integer(f->type)) return TELEM_I_WORDS("counter on a type that is not an integer");
    if (telem_i_is_sized(f->type) ? f->size < 1 || f->size > TELEM_MAX_ROW : f->size != 0) return TELEM_I_WORDS("size missing, too large or on a type without one");
    if (!telem_i_is_numeric(f->type) && (!telem_i_is_zero(f->scale) || !telem_i_is_zero(f->bias) || f->decimals)) return TELEM_I_WORDS("scaling on a type that is not a number");
    if (!telem_i_finite(f->scale) || !telem_i_finite(f->bias)) return TELEM_I_WORDS("scale or bias not finite");
    return f->decimals > TELEM_I_MAX_DECIMALS ? TELEM_I_WORDS("more than 18 decimals") : NULL;
}

static const char *telem_i_check_field(const telem_field *f) {
    const char *bad = telem_i_check_shape(f);
    if (bad) return bad;
    if (!telem_i_name_ok(f->name, 1)) return TELEM_I_WORDS("name empty, too long or with control characters");
    if (!telem_i_name_ok(f->unit, 0)) return TELEM_I_WORDS("unit too long or with control characters");
    if (!telem_i_desc_ok(f->desc) || !telem_i_desc_ok(f->aliases) || !telem_i_desc_ok(f->def)) return TELEM_I_WORDS("description, aliases or default too long");
    if (f->type == TELEM_STRUCT && (!f->nested || f->nested->field_count == 0)) return TELEM_I_WORDS("struct without fields");
    return telem_i_check_labels(f);
}

/* Does the value lie inside its C struct? */
static const char *telem_i_check_place(const telem_schema *s, const telem_field *f) {
    uint64_t one = f->type == TELEM_STRUCT ? f->nested->size : telem_i_value_width(f);
    uint64_t all = f->count ? (uint64_t)f->stride * (f->count - 1u) + one : one;
    if (f->count && f->stride < one) return TELEM_I_WORDS("stride smaller than an element");
    if (!f->count && f->stride && f->type == TELEM_STRUCT && f->stride != one) return TELEM_I_WORDS("the member has not the size of its schema's struct");
    if (all > s->size || f->offset > s->size - all) return TELEM_I_WORDS("offset outside of the struct");
    if (telem_i_optional(f) && telem_i_presence_offset(f) >= s->size) return TELEM_I_WORDS("presence outside of the struct");
    return NULL;
}

static const char *telem_i_check_head(const telem_schema *s) {
    if (!telem_i_name_ok(s->name, 1)) return TELEM_I_WORDS("schema name empty, too long or with control characters");
    if (!telem_i_desc_ok(s->desc)) return TELEM_I_WORDS("description too long");
    if (s->field_count && !s->fields) return TELEM_I_WORDS("fields is NULL");
    return NULL;
}

static telem_result telem_i_fail(telem_error *err, telem_result code, uint64_t offset, const char *what) {
    if (err) {
        err->code = code;
        err->offset = offset;
        err->what = what;
    }
    return code;
}

#if defined(TELEM_NO_TEXT)
#define telem_i_fail(err, code, offset, what) telem_i_fail(err, code, offset, TELEM_I_WORDS(what))
#endif

static int64_t telem_i_encoding_size(const telem_schema *s);

/* telem_schema_check, and the size of the encoding. */
static telem_result telem_i_schema_check(const telem_schema *s, telem_error *err, int64_t *encoding) {
    const char *bad;
    uint64_t number = 0, columns, row;
    telem_i_tree t;
    int event;
    if (!s) return telem_i_fail(err, TELEM_ERR_ARG, 0, "schema is NULL");
    bad = telem_i_check_head(s);
    telem_i_tree_begin(&t, s);
    while (!bad && (event = telem_i_tree_next(&t)) != TELEM_I_TREE_END) {
        if (event == TELEM_I_TREE_DEEP) return telem_i_fail(err, TELEM_ERR_LIMIT, number - 1, "structs nested too deeply");
        if (event == TELEM_I_TREE_LEAVE) continue;
        bad = telem_i_check_field(t.f);
        if (!bad && t.f->type == TELEM_STRUCT) bad = telem_i_check_head(t.f->nested);
        if (!bad) bad = telem_i_check_place(t.at[t.depth], t.f);
        if (bad) break;
        if (++number > TELEM_MAX_COLUMNS * TELEM_MAX_DEPTH) break; /* the measure below refuses it */
    }
    if (bad) return telem_i_fail(err, TELEM_ERR_ARG, number, bad);
    if (telem_i_measure(s, &columns, &row) != TELEM_OK) return telem_i_fail(err, TELEM_ERR_LIMIT, number, "more than 65,535 columns or a row over 16 MiB");
    *encoding = telem_i_encoding_size(s);
    return *encoding < 0 ? telem_i_fail(err, TELEM_ERR_LIMIT, number, "encoding over 1 MiB") : TELEM_OK;
}

TELEM_API telem_result telem_schema_check(const telem_schema *s, telem_error *err) {
    int64_t encoding;
    return telem_i_schema_check(s, err, &encoding);
}

/* >>pack: a scalar has the same width in struct and row, only the byte order may differ, so the
   same move serves both directions. */

static void telem_i_move_scalar(uint8_t *to, const uint8_t *from, uint32_t width) {
#if TELEM_I_LITTLE_ENDIAN
    switch (width) { /* constant sizes: single moves */
    case 1: *to = *from; break;
    case 2: memcpy(to, from, 2); break;
    case 4: memcpy(to, from, 4); break;
    default: memcpy(to, from, 8); break;
    }
#else
    uint32_t i;
    for (i = 0; i < width; i++) to[i] = from[width - 1 - i];
#endif
}

static void telem_i_move_run(uint8_t *to, uint32_t to_step, const uint8_t *from, uint32_t from_step,
                             uint32_t width, uint32_t count) {
    if ((TELEM_I_LITTLE_ENDIAN || width == 1) && count > 1 && to_step == width && from_step == width) {
        memcpy(to, from, (size_t)width * count);
        return;
    }
    for (; count > 0; count--, to += to_step, from += from_step) telem_i_move_scalar(to, from, width);
}

static uint32_t telem_i_text_len(const uint8_t *p, uint32_t size) {
    uint32_t n = 0;
    while (n < size && p[n]) n++;
    return n;
}

/* n bytes, the rest of `size` zero. */
static void telem_i_move_text(uint8_t *to, const uint8_t *from, uint32_t n, uint32_t size) {
    memcpy(to, from, n);
    memset(to + n, 0, size - n);
}

/* A value that is not a plain scalar. 0, or the length was too large. */
static int telem_i_move_other(uint8_t *to, const uint8_t *from, const telem_column *c, int packing) {
    uint32_t size = c->field->size, len;
    switch (c->type) {
    case TELEM_BOOL: *to = *from != 0; return 0;
    case TELEM_CHARS: telem_i_move_text(to, from, telem_i_text_len(from, size), size); return 0;
    case TELEM_BYTES: memcpy(to, from, size); return 0;
    default: break;
    }
    if (packing) memcpy(&len, from, 4);
    else len = telem_get32(from);
    if (len > size) return -1;
    if (packing) telem_put32(to, len);
    else memcpy(to, &len, 4);
    telem_i_move_text(to + 4, from + 4, len, size);
    return 0;
}

/* One run of columns, from struct to row or back. */
static int telem_i_move_column(uint8_t *to, uint32_t to_step, const uint8_t *from, uint32_t from_step,
                               const telem_column *c, int packing) {
    uint32_t i;
    if (c->type > TELEM_BOOL && c->type < TELEM_CHARS) {
        telem_i_move_run(to, to_step, from, from_step, c->width, c->count);
        return 0;
    }
    for (i = 0; i < c->count; i++, to += to_step, from += from_step)
        if (telem_i_move_other(to, from, c, packing)) return -1;
    return 0;
}

TELEM_API telem_result telem_schema_pack(const telem_schema *s, const void *rec, void *row) {
    const uint8_t *from = (const uint8_t *)rec;
    uint8_t *to = (uint8_t *)row;
    uint32_t absent = 0; /* the row is absent up to here */
    telem_columns it;
    telem_column c;
    for (telem_columns_begin(&it, s); telem_columns_next(&it, &c);) {
        if (c.row < absent) memset(to + c.row, 0, (size_t)c.width * c.count);
        else if (telem_i_move_column(to + c.row, c.width, from + c.rec, c.stride, &c, 1)) return TELEM_ERR_RANGE;
        else if (c.presence && !to[c.row]) absent = c.row + 1 + c.covers;
    }
    return TELEM_OK;
}

static void telem_i_clear_column(uint8_t *rec, const telem_column *c) {
    uint32_t i;
    for (i = 0; i < c->count; i++) memset(rec + c->rec + i * c->stride, 0, c->width);
}

TELEM_API telem_result telem_schema_unpack(const telem_schema *s, const void *row, void *rec) {
    const uint8_t *from = (const uint8_t *)row;
    uint8_t *to = (uint8_t *)rec;
    uint32_t absent = 0;
    telem_columns it;
    telem_column c;
    for (telem_columns_begin(&it, s); telem_columns_next(&it, &c);) {
        if (c.row < absent) telem_i_clear_column(to, &c);
        else if (telem_i_move_column(to + c.rec, c.stride, from + c.row, c.width, &c, 0)) return TELEM_ERR_CORRUPT;
        else if (c.presence && !from[c.row]) absent = c.row + 1 + c.covers;
    }
    return TELEM_OK;
}

/* >>encode: one generator writes the whole encoding into a sink; the sink keeps the window that
   was asked for, or only counts, or hashes. */

typedef struct telem_i_sink {
    uint8_t *p, *end; /* of the window: where the next byte goes; p NULL: it only counts */
    uint64_t skip;    /* bytes before the window */
    uint64_t pos;
    XXH32_state_t *hash; /* two of them that take what fills the window, then it begins again; or NULL */
    uint8_t *begin;
} telem_i_sink;

static void telem_i_sink_hash(telem_i_sink *k) {
    (void)XXH32_update(&k->hash[0], k->begin, (size_t)(k->p - k->begin));
    (void)XXH32_update(&k->hash[1], k->begin, (size_t)(k->p - k->begin));
    k->p = k->begin;
}

/* Over one of the window's ends. */
static void telem_i_put_part(telem_i_sink *k, const uint8_t *p, size_t n) {
    if (n <= k->skip) {
        k->skip -= n;
        return;
    }
    p += k->skip;
    n -= (size_t)k->skip;
    k->skip = 0;
    for (;;) {
        size_t m = (size_t)(k->end - k->p) < n ? (size_t)(k->end - k->p) : n;
        memcpy(k->p, p, m);
        k->p += m;
        if (m == n || !k->hash) return;
        telem_i_sink_hash(k);
        p += m;
        n -= m;
    }
}

static void telem_i_put(telem_i_sink *k, const void *p, size_t n) {
    k->pos += n;
    if (!k->p) return;
    if (k->skip || n > (size_t)(k->end - k->p)) {
        telem_i_put_part(k, (const uint8_t *)p, n);
        return;
    }
    memcpy(k->p, p, n);
    k->p += n;
}

static void telem_i_put_byte(telem_i_sink *k, uint32_t v) {
    uint8_t b = (uint8_t)(v & 0xFFu);
    telem_i_put(k, &b, 1);
}
static void telem_i_put_varint(telem_i_sink *k, uint64_t v) {
    uint8_t b[TELEM_VARINT_MAX];
    if (v < 128u) telem_i_put_byte(k, (uint32_t)v);
    else telem_i_put(k, b, telem_varint_put(b, v));
}
static void telem_i_put_str(telem_i_sink *k, const char *s) {
    size_t n = s ? telem_i_length(s) : 0;
    telem_i_put_varint(k, n);
    if (n) telem_i_put(k, s, n);
}
static void telem_i_put_f64(telem_i_sink *k, double v) {
    uint64_t bits;
    uint8_t b[8];
    memcpy(&bits, &v, 8);
    telem_put64(b, bits);
    telem_i_put(k, b, 8);
}

static void telem_i_put_head(telem_i_sink *k, const telem_schema *s) {
    telem_i_put_str(k, s->name);
    telem_i_put_varint(k, s->field_count);
}

static void telem_i_put_field(telem_i_sink *k, const telem_field *f) {
    uint32_t scaled = telem_i_is_scaled(f) ? TELEM_I_SCALED : 0u, i;
    telem_i_put_byte(k, f->type);
    telem_i_put_byte(k, (f->flags & TELEM_I_FLAGS) | (f->count ? TELEM_I_ARRAY : 0u) | scaled);
    telem_i_put_str(k, f->name);
    telem_i_put_str(k, f->unit);
    if (f->count) telem_i_put_varint(k, f->count);
    if (telem_i_is_sized(f->type)) telem_i_put_varint(k, f->size);
    if (telem_i_is_labelled(f->type)) {
        telem_i_put_varint(k, f->label_count);
        for (i = 0; i < f->label_count; i++) {
            telem_i_put_varint(k, f->labels[i].value);
            telem_i_put_str(k, f->labels[i].name);
        }
    }
    if (f->type == TELEM_STRUCT && f->nested) telem_i_put_head(k, f->nested);
    if (!scaled) return;
    telem_i_put_f64(k, telem_i_is_zero(f->scale) ? 1.0 : f->scale);
    telem_i_put_f64(k, telem_i_is_zero(f->bias) ? 0.0 : f->bias); /* -0 is 0 */
    telem_i_put_byte(k, f->decimals);
}

static void telem_i_put_identity(telem_i_sink *k, const telem_schema *s) {
    telem_i_tree t;
    int event;
    telem_i_put_head(k, s);
    telem_i_tree_begin(&t, s);
    while (k->pos <= TELEM_MAX_ENCODING && (event = telem_i_tree_next(&t)) != TELEM_I_TREE_END) {
        if (event == TELEM_I_TREE_DEEP) return;
        if (event == TELEM_I_TREE_FIELD) telem_i_put_field(k, t.f);
    }
}

static void telem_i_put_extra(telem_i_sink *k, const telem_schema *s) {
    telem_i_tree t;
    int event;
    telem_i_put_str(k, s->desc);
    telem_i_put_varint(k, s->major);
    telem_i_put_varint(k, s->minor);
    telem_i_put_varint(k, s->patch);
    telem_i_tree_begin(&t, s);
    while (k->pos <= 2u * TELEM_MAX_ENCODING && (event = telem_i_tree_next(&t)) != TELEM_I_TREE_END) {
        if (event == TELEM_I_TREE_DEEP) return;
        if (event != TELEM_I_TREE_FIELD) continue;
        telem_i_put_str(k, t.f->desc);
        telem_i_put_str(k, t.f->aliases);
        telem_i_put_str(k, t.f->def);
    }
}

static telem_i_sink telem_i_sink_make(void *buf, uint64_t from, size_t cap, XXH32_state_t *hash) {
    telem_i_sink k;
    k.p = k.begin = (uint8_t *)buf;
    k.end = buf ? k.p + cap : NULL;
    k.skip = from;
    k.pos = 0;
    k.hash = hash;
    return k;
}

static uint64_t telem_i_identity_size(const telem_schema *s) {
    telem_i_sink k = telem_i_sink_make(NULL, 0, 0, NULL);
    telem_i_put_identity(&k, s);
    return k.pos;
}
static uint64_t telem_i_extra_size(const telem_schema *s) {
    telem_i_sink k = telem_i_sink_make(NULL, 0, 0, NULL);
    telem_i_put_extra(&k, s);
    return k.pos;
}

/* `part`: the sizes of the identity and of the rest */
static int64_t telem_i_encoding_parts(const telem_schema *s, uint64_t *part) {
    uint64_t n = telem_i_identity_size(s), m = telem_i_extra_size(s);
    uint64_t all = 1 + telem_varint_size(n) + n + telem_varint_size(m) + m;
    part[0] = n;
    part[1] = m;
    return all > TELEM_MAX_ENCODING ? (int64_t)TELEM_ERR_LIMIT : (int64_t)all;
}
static int64_t telem_i_encoding_size(const telem_schema *s) {
    uint64_t part[2];
    return telem_i_encoding_parts(s, part);
}

TELEM_API int64_t telem_schema_encode(const telem_schema *s, uint64_t from, void *buf, size_t cap) {
    uint64_t part[2];
    int64_t all = telem_i_encoding_parts(s, part);
    telem_i_sink k;
    if (all < 0 || !buf) return all;
    if (from >= (uint64_t)all) return 0;
    if (cap > (uint64_t)all - from) cap = (size_t)((uint64_t)all - from);
    k = telem_i_sink_make(buf, from, cap, NULL);
    telem_i_put_byte(&k, 1);
    telem_i_put_varint(&k, part[0]);
    telem_i_put_identity(&k, s);
    telem_i_put_varint(&k, part[1]);
    telem_i_put_extra(&k, s);
    return (int64_t)cap;
}

TELEM_API uint64_t telem_schema_fingerprint(const telem_schema *s) {
    XXH32_state_t hash[2];
    uint8_t room[64];
    telem_i_sink k = telem_i_sink_make(room, 0, sizeof room, hash);
    (void)XXH32_reset(&hash[0], 0);
    (void)XXH32_reset(&hash[1], 0x9E3779B1u);
    telem_i_put_identity(&k, s);
    telem_i_sink_hash(&k);
    return XXH32_digest(&hash[0]) | (uint64_t)XXH32_digest(&hash[1]) << 32;
}

/* >>decode: one pass over the bytes that validates, lays out the C struct and, when it was given
   memory, builds; without memory, or where that does not suffice, it only counts what building takes. */

/* Bump allocation: base NULL counts only, from the first that finds no room on. */
typedef struct telem_i_arena {
    uint8_t *base;
    size_t used, size;
} telem_i_arena;

static void *telem_i_alloc(telem_i_arena *a, size_t n, size_t align) {
    size_t at = (a->used + align - 1) & ~(align - 1);
    a->used = at + n;
    if (a->used > a->size) a->base = NULL;
    return a->base ? a->base + at : NULL;
}

static const char *telem_i_alloc_str(telem_i_arena *a, const char *p, size_t n) {
    char *s;
    if (n == 0) return "";
    s = (char *)telem_i_alloc(a, n + 1, 1);
    if (s) {
        memcpy(s, p, n);
        s[n] = 0;
    }
    return s;
}

static uint8_t *telem_i_align8(void *memory) {
    uintptr_t p = (uintptr_t)memory;
    return memory ? (uint8_t *)memory + ((8u - (p & 7u)) & 7u) : NULL;
}

/* Places the field behind the ones before it. `inner`: of a struct field. Sizes stay below
   2^28: a row of 16 MiB grows at most eightfold by padding, length words included. */
static telem_result telem_i_place(telem_i_layout *sum, telem_field *f, const telem_i_layout *inner) {
    uint32_t align = inner ? inner->align : telem_i_value_align(f);
    uint32_t one = inner ? telem_i_round_up(inner->size, align) : telem_i_round_up(telem_i_value_width(f), align);
    telem_result r = telem_i_layout_add(sum, f, inner ? inner->columns : 1, inner ? inner->row : telem_i_value_width(f));
    if (r != TELEM_OK) return r;
    f->offset = telem_i_round_up(sum->size, align);
    f->stride = f->count ? one : 0;
    sum->size = f->offset + one * telem_i_elements(f);
    f->presence = telem_i_optional(f) ? sum->size : 0;
    sum->size += telem_i_optional(f);
    if (align > sum->align) sum->align = align;
    return TELEM_OK;
}

/* The bytes, with the first failure kept. Reading past it gives zeros. */
typedef struct telem_i_in {
    const uint8_t *p;
    size_t pos, end;
    telem_result code;
    size_t at;
    const char *what;
} telem_i_in;

static void telem_i_in_fail(telem_i_in *in, telem_result code, size_t at, const char *what) {
    if (in->code != TELEM_OK) return;
    in->code = code;
    in->at = at;
    in->what = what;
    in->pos = in->end;
}

static uint8_t telem_i_in_byte(telem_i_in *in) {
    if (in->pos < in->end) return in->p[in->pos++];
    telem_i_in_fail(in, TELEM_ERR_CORRUPT, in->pos, "section ends too early");
    return 0;
}

static uint64_t telem_i_in_varint(telem_i_in *in, uint64_t min, uint64_t max, const char *what) {
    uint64_t v = 0;
    int used = telem_varint_get(in->p + in->pos, in->end - in->pos, &v);
    if (used < 0) telem_i_in_fail(in, TELEM_ERR_CORRUPT, in->pos, "damaged or cut number");
    else if (v < min || v > max) telem_i_in_fail(in, TELEM_ERR_CORRUPT, in->pos, what);
    else in->pos += (size_t)used;
    return in->code == TELEM_OK ? v : 0;
}

typedef struct telem_i_str {
    const char *p;
    size_t n;
} telem_i_str;

static int telem_i_has_nul(const char *p, size_t n) {
    size_t i;
    for (i = 0; i < n; i++)
        if (!p[i]) return 1;
    return 0;
}

static telem_i_str telem_i_in_str(telem_i_in *in, size_t min, size_t max) {
    telem_i_str s;
    size_t at = in->pos;
    if (!min && at < in->end && in->p[at] == 0) { /* most texts of a field */
        s.n = 0;
        s.p = (const char *)in->p + ++in->pos;
        return s;
    }
    s.n = (size_t)telem_i_in_varint(in, min, max, "text empty or too long");
    s.p = (const char *)in->p + in->pos;
    if (s.n > in->end - in->pos) telem_i_in_fail(in, TELEM_ERR_CORRUPT, at, "text longer than its section");
    else if (max == TELEM_MAX_NAME ? !telem_i_is_text(s.p, s.n) : telem_i_has_nul(s.p, s.n))
        telem_i_in_fail(in, TELEM_ERR_CORRUPT, at, "control character in a name or NUL in a text");
    if (in->code != TELEM_OK) s.n = 0;
    in->pos += s.n;
    return s;
}

static double telem_i_in_f64(telem_i_in *in) {
    uint64_t bits;
    double v;
    if (in->end - in->pos < 8) {
        telem_i_in_fail(in, TELEM_ERR_CORRUPT, in->pos, "section ends too early");
        return 0.0;
    }
    bits = telem_get64(in->p + in->pos);
    memcpy(&v, &bits, 8);
    in->pos += 8;
    return v;
}

static void telem_i_in_scaling(telem_i_in *in, telem_field *f) {
    size_t at = in->pos;
    f->scale = telem_i_in_f64(in);
    f->bias = telem_i_in_f64(in);
    f->decimals = telem_i_in_byte(in);
    if (in->code != TELEM_OK) return;
    if (!telem_i_is_numeric(f->type) || !telem_i_is_scaled(f) || telem_i_is_zero(f->scale) || !telem_i_finite(f->scale) ||
        !telem_i_finite(f->bias) || telem_i_is_minus_zero(f->bias) || f->decimals > TELEM_I_MAX_DECIMALS)
        telem_i_in_fail(in, TELEM_ERR_CORRUPT, at, "scaling not allowed, not finite or not canonical");
}

static void telem_i_in_labels(telem_i_in *in, telem_field *f, telem_i_arena *a) {
    uint64_t left = in->end - in->pos, i;
    telem_label *labels;
    f->label_count = (uint16_t)telem_i_in_varint(in, 0, 65535u < left / 3 ? 65535u : left / 3, "more labels than bytes");
    labels = (telem_label *)telem_i_alloc(a, f->label_count * sizeof(telem_label), 8);
    for (i = 0; i < f->label_count && in->code == TELEM_OK; i++) {
        size_t at = in->pos;
        uint32_t value = (uint32_t)telem_i_in_varint(in, 0, 0xFFFFFFFFu, "label value does not fit");
        telem_i_str name = telem_i_in_str(in, 1, TELEM_MAX_NAME);
        const char *copy = telem_i_alloc_str(a, name.p, name.n);
        if (!telem_i_label_fits(f->type, value)) telem_i_in_fail(in, TELEM_ERR_CORRUPT, at, "label value does not fit");
        if (!labels) continue;
        labels[i].value = value;
        labels[i].name = copy;
    }
    f->labels = f->label_count ? labels : NULL;
}

static void telem_i_in_type(telem_i_in *in, telem_field *f, uint8_t *wire) {
    size_t at = in->pos;
    f->type = telem_i_in_byte(in);
    *wire = telem_i_in_byte(in);
    f->flags = (uint8_t)(*wire & TELEM_I_FLAGS);
    if (in->code != TELEM_OK) return;
    if (f->type == 0) telem_i_in_fail(in, TELEM_ERR_CORRUPT, at, "field type 0");
    else if (f->type > TELEM_STRUCT) telem_i_in_fail(in, TELEM_ERR_UNSUPPORTED, at, "unknown field type");
    else if ((f->flags & TELEM_COUNTER) && !telem_i_is_integer(f->type))
        telem_i_in_fail(in, TELEM_ERR_CORRUPT, at + 1, "counter on a type that is not an integer");
}

/* All of a field but the members of a struct. */
static void telem_i_in_field(telem_i_in *in, telem_field *f, telem_i_arena *a) {
    telem_i_str name, unit;
    uint8_t wire;
    memset(f, 0, sizeof *f);
    telem_i_in_type(in, f, &wire);
    name = telem_i_in_str(in, 1, TELEM_MAX_NAME);
    f->name = telem_i_alloc_str(a, name.p, name.n);
    unit = telem_i_in_str(in, 0, TELEM_MAX_NAME);
    f->unit = telem_i_alloc_str(a, unit.p, unit.n);
    f->desc = f->aliases = f->def = "";
    if (wire & TELEM_I_ARRAY) f->count = (uint16_t)telem_i_in_varint(in, 1, 65535u, "array count");
    if (telem_i_is_sized(f->type)) f->size = (uint32_t)telem_i_in_varint(in, 1, TELEM_MAX_ROW, "size");
    if (telem_i_is_labelled(f->type)) telem_i_in_labels(in, f, a);
    if (wire & TELEM_I_SCALED) telem_i_in_scaling(in, f);
}

/* A struct being built. `field` NULL: only counting; then `current` stands in for it. */
typedef struct telem_i_level {
    telem_schema *schema;
    telem_field *fields;
    uint32_t next, count;
    telem_i_layout sum;
    uint16_t struct_count; /* of the struct field that is open in this level */
    uint8_t struct_flags;
} telem_i_level;

static void telem_i_level_open(telem_i_level *l, telem_i_arena *a, uint32_t count, const char *name) {
    memset(l, 0, sizeof *l);
    l->count = count;
    l->sum.align = 1;
    l->schema = (telem_schema *)telem_i_alloc(a, sizeof(telem_schema), 8);
    l->fields = (telem_field *)telem_i_alloc(a, count * sizeof(telem_field), 8);
    if (!l->schema) return;
    memset(l->schema, 0, sizeof *l->schema);
    l->schema->name = name;
    l->schema->desc = "";
    l->schema->fields = l->fields;
    l->schema->field_count = (uint16_t)count;
}

static void telem_i_level_close(telem_i_level *l) {
    l->sum.size = telem_i_round_up(l->sum.size, l->sum.align);
    if (l->schema) l->schema->size = l->sum.size;
}

/* A leaf is complete: place it and store it. */
static telem_result telem_i_level_add(telem_i_level *l, telem_field *f, const telem_i_layout *inner) {
    telem_result r = telem_i_place(&l->sum, f, inner);
    if (r == TELEM_OK && l->fields) l->fields[l->next] = *f;
    l->next++;
    return r;
}

/* A struct field begins: stored as it is, placed when its members are known. */
static void telem_i_level_struct(telem_i_level *l, const telem_field *f, const telem_schema *nested) {
    l->struct_count = f->count;
    l->struct_flags = f->flags;
    if (!l->fields) return;
    l->fields[l->next] = *f;
    l->fields[l->next].nested = nested;
}

/* Its members are complete. */
static telem_result telem_i_level_struct_end(telem_i_level *l, telem_i_level *inner) {
    telem_field f;
    memset(&f, 0, sizeof f);
    if (l->fields) f = l->fields[l->next];
    f.type = TELEM_STRUCT;
    f.count = l->struct_count;
    f.flags = l->struct_flags;
    telem_i_level_close(inner);
    return telem_i_level_add(l, &f, &inner->sum);
}

static void telem_i_in_head(telem_i_in *in, telem_i_level *l, telem_i_arena *a, uint32_t min) {
    telem_i_str name = telem_i_in_str(in, 1, TELEM_MAX_NAME);
    uint64_t left = (in->end - in->pos) / 5; /* no field is shorter */
    uint64_t count = telem_i_in_varint(in, min, left < 65535u ? left : 65535u, "field count");
    telem_i_level_open(l, a, (uint32_t)count, telem_i_alloc_str(a, name.p, name.n));
}

/* Returns how many fields there were. */
static uint32_t telem_i_in_identity(telem_i_in *in, telem_i_arena *a, const telem_schema **out) {
    telem_i_level level[TELEM_MAX_DEPTH];
    uint32_t depth = 0, total = 0;
    telem_field f;
    telem_i_in_head(in, &level[0], a, 0);
    while (in->code == TELEM_OK) {
        telem_i_level *l = &level[depth];
        size_t at = in->pos;
        telem_result r = TELEM_OK;
        if (l->next == l->count) {
            if (depth == 0) break;
            r = telem_i_level_struct_end(&level[depth - 1], l);
            depth--;
        } else {
            telem_i_in_field(in, &f, a);
            total++;
            if (in->code == TELEM_OK && f.type == TELEM_STRUCT) {
                if (depth + 1 == TELEM_MAX_DEPTH) r = TELEM_ERR_LIMIT;
                else {
                    telem_i_in_head(in, &level[depth + 1], a, 1);
                    telem_i_level_struct(l, &f, level[depth + 1].schema);
                    depth++;
                }
            } else if (in->code == TELEM_OK) r = telem_i_level_add(l, &f, NULL);
        }
        if (r != TELEM_OK) telem_i_in_fail(in, r, at, "too many columns, row too large or nested too deeply");
    }
    telem_i_level_close(&level[0]);
    if (in->pos != in->end) telem_i_in_fail(in, TELEM_ERR_CORRUPT, in->pos, "bytes left over in the identity");
    *out = level[0].schema;
    return total;
}

static void telem_i_in_extra(telem_i_in *in, telem_i_arena *a, const telem_schema *built, uint32_t total) {
    telem_schema *s = (telem_schema *)built; /* built by us, in the caller's memory */
    telem_i_str desc = telem_i_in_str(in, 0, TELEM_MAX_DESC);
    const char *copy = telem_i_alloc_str(a, desc.p, desc.n);
    uint16_t version[3];
    uint32_t i;
    telem_i_tree t = TELEM_ZERO;
    for (i = 0; i < 3; i++) version[i] = (uint16_t)telem_i_in_varint(in, 0, 65535u, "version");
    if (s) {
        s->desc = copy;
        s->major = version[0];
        s->minor = version[1];
        s->patch = version[2];
        telem_i_tree_begin(&t, s);
    }
    for (; total > 0 && in->code == TELEM_OK; total--) {
        const char *text[3];
        telem_field *f;
        for (i = 0; i < 3; i++) {
            telem_i_str one = telem_i_in_str(in, 0, TELEM_MAX_DESC);
            text[i] = telem_i_alloc_str(a, one.p, one.n);
        }
        if (!s) continue;
        while (telem_i_tree_next(&t) != TELEM_I_TREE_FIELD) {}
        f = (telem_field *)t.f;
        f->desc = text[0];
        f->aliases = text[1];
        f->def = text[2];
    }
    if (in->pos != in->end) telem_i_in_fail(in, TELEM_ERR_CORRUPT, in->pos, "bytes left over behind the extra");
}

/* The next section: its length must be there. */
static void telem_i_in_section(telem_i_in *in, size_t n) {
    uint64_t length = 0;
    int used = telem_varint_get(in->p + in->pos, n - in->pos, &length);
    size_t at = in->pos;
    if (in->code != TELEM_OK) return;
    in->end = n;
    if (used < 0) {
        telem_i_in_fail(in, (telem_result)used, at, "length of a section");
        return;
    }
    in->pos += (size_t)used;
    if (length > n - in->pos) telem_i_in_fail(in, TELEM_ERR_TRUNCATED, at, "fewer bytes than the section has");
    else in->end = in->pos + (size_t)length;
}

static telem_result telem_i_decode(const void *bytes, size_t n, telem_i_arena *a, const telem_schema **out, telem_error *err) {
    const telem_schema *s = NULL;
    uint32_t total;
    telem_i_in in;
    memset(&in, 0, sizeof in);
    in.p = (const uint8_t *)bytes;
    in.end = n;
    if (n > TELEM_MAX_ENCODING) telem_i_in_fail(&in, TELEM_ERR_LIMIT, 0, "encoding over 1 MiB");
    else if (n == 0) telem_i_in_fail(&in, TELEM_ERR_TRUNCATED, 0, "empty");
    else if (telem_i_in_byte(&in) != 1) telem_i_in_fail(&in, TELEM_ERR_UNSUPPORTED, 0, "unknown encoding version");
    telem_i_in_section(&in, n);
    if (in.code != TELEM_OK) return telem_i_fail(err, in.code, in.at, in.what);
    total = telem_i_in_identity(&in, a, &s);
    if (!a->base) s = NULL; /* not built, or in part */
    telem_i_in_section(&in, n);
    if (in.code != TELEM_OK) return telem_i_fail(err, in.code, in.at, in.what);
    telem_i_in_extra(&in, a, s, total);
    if (in.code == TELEM_OK && in.end != n) telem_i_in_fail(&in, TELEM_ERR_CORRUPT, in.end, "bytes behind the end");
    if (in.code != TELEM_OK) return telem_i_fail(err, in.code, in.at, in.what);
    if (out) *out = s;
    return TELEM_OK;
}

TELEM_API int64_t telem_schema_decode_bytes(const void *bytes, size_t n, telem_error *err) {
    telem_i_arena a = TELEM_ZERO;
    telem_result r = telem_i_decode(bytes, n, &a, NULL, err);
    return r == TELEM_OK ? (int64_t)(a.used + 7u) : (int64_t)r; /* 7: to align the memory */
}

TELEM_API telem_result telem_schema_decode(const void *bytes, size_t n, void *memory, size_t memory_size, const telem_schema **out, telem_error *err) {
    telem_i_arena a = TELEM_ZERO;
    const telem_schema *s = NULL;
    telem_result r;
    a.base = telem_i_align8(memory);
    a.size = memory_size > 7u ? memory_size - 7u : 0; /* as if it were aligned worst */
    r = telem_i_decode(bytes, n, &a, &s, err);
    if (r != TELEM_OK) return r;
    if (!a.base) return telem_i_fail(err, TELEM_ERR_MEMORY, 0, "memory too small");
    if (out) *out = s;
    return TELEM_OK;
}

/* >>digits: decimal and binary floating point, by integers alone, so that every target prints and
   reads the same. A fast way with 64-bit arithmetic keeps track of its error and gives up when
   the answer is not certain; then whole numbers of up to 1280 bits decide exactly (Steele and
   White 1990, Gay 1990). */

/* value = m * 2^e, m below 2^bits, e >= min */
typedef struct telem_i_format {
    uint8_t bits, exponent_bits;
    int16_t min;
    uint8_t digits;   /* this many decimal digits always tell two values apart */
    uint8_t fraction; /* binary places that 10^(digits + 1) leaves in 64 bits */
} telem_i_format;

static const telem_i_format telem_i_f64 = {53, 11, -1074, 17, 4};
static const telem_i_format telem_i_f32 = {24, 8, -149, 9, 30};
static const telem_i_format telem_i_f16 = {11, 5, -24, 5, 44};
static const telem_i_format telem_i_bf16 = {8, 8, -133, 4, 47};

static uint64_t telem_i_infinity(const telem_i_format *t) {
    return (((uint64_t)1 << t->exponent_bits) - 1) << (t->bits - 1);
}

/* floor(log2(10^n)) and floor(log10(2^n)), exact for |n| <= 360 and 1100; >> of a negative number
   is arithmetic on every compiler named in telem.h */
static int telem_i_log2_of_10(int n) { return (n * (int32_t)217706) >> 16; }
static int telem_i_log10_of_2(int n) { return (int)((n * (int64_t)1292913986) >> 32); }

static unsigned telem_i_leading_zeros(uint64_t v) { /* v > 0 */
    unsigned n = 0, step;
    for (step = 32; step > 0; step >>= 1)
        if (v >> (64 - step) == 0) {
            v <<= step;
            n += step;
        }
    return n;
}

static uint64_t telem_i_power_of_10(unsigned n) { /* n <= 19 */
    uint64_t v = 1;
    while (n-- > 0) v *= 10u;
    return v;
}

/* 10^n = m * 2^e, m >= 2^63, within 1.5 units of m, for n in -352..351. */
static uint64_t telem_i_power(int n, int *e) {
    static const uint64_t by_16[44] = { /* 10^-352, 10^-336, ... 10^336, rounded to 64 bits */
        0xCD42A11346F34F7Du, 0xE3E27A444D8D98B8u, 0xFD00B897478238D1u, 0x8C71DCD9BA0B4926u,
        0x9BECCE62836AC577u, 0xAD1C8EAB5EE43B67u, 0xC0314325637A193Au, 0xD5605FCDCF32E1D7u,
        0xECE53CEC4A314EBEu, 0x8380DEA93DA4BC60u, 0x91FF83775423CC06u, 0xA21727DB38CB0030u,
        0xB3F4E093DB73A093u, 0xC7CABA6E7C5382C9u, 0xDDD0467C64BCE4A1u, 0xF64335BCF065D37Du,
        0x88B402F7FD75539Bu, 0x97C560BA6B0919A6u, 0xA87FEA27A539E9A5u, 0xBB127C53B17EC159u,
        0xCFB11EAD453994BAu, 0xE69594BEC44DE15Bu, 0x8000000000000000u, 0x8E1BC9BF04000000u,
        0x9DC5ADA82B70B59Eu, 0xAF298D050E4395D7u, 0xC2781F49FFCFA6D5u, 0xD7E77A8F87DAF7FCu,
        0xEFB3AB16C59B14A3u, 0x850FADC09923329Eu, 0x93BA47C980E98CE0u, 0xA402B9C5A8D3A6E7u,
        0xB616A12B7FE617AAu, 0xCA28A291859BBF93u, 0xE070F78D3927556Bu, 0xF92E0C3537826146u,
        0x8A5296FFE33CC930u, 0x9991A6F3D6BF1766u, 0xAA7EEBFB9DF9DE8Eu, 0xBD49D14AA79DBC82u,
        0xD226FC195C6A2F8Cu, 0xE950DF20247C83FDu, 0x81842F29F2CCE376u, 0x8FCAC257558EE4E6u,
    };
    int i = (n + 352) / 16, rest = n + 352 - 16 * i;
    uint64_t m = by_16[i], factor = telem_i_power_of_10((unsigned)rest), hi, lo;
    unsigned zeros = telem_i_leading_zeros(factor);
    *e = telem_i_log2_of_10(16 * i - 352) - 63;
    if (rest == 0) return m;
    telem_i_mul128(m, factor << zeros, &hi, &lo);
    *e += 64 - (int)zeros;
    if (hi >> 63 == 0) {
        hi = hi << 1 | lo >> 63;
        lo <<= 1;
        *e -= 1;
    }
    return lo >> 63 && hi != ~(uint64_t)0 ? hi + 1 : hi;
}

/* digits * 10^exp; or not finite */
typedef struct telem_i_decimal {
    uint64_t digits;
    int exp;
    uint8_t negative, special; /* special: 1 infinite, 2 not a number */
} telem_i_decimal;

/* ---- whole numbers, little end first. 40 words hold 2^1280; the largest need is 2^1083. ---- */

#define TELEM_I_BIG 40
typedef struct telem_i_big {
    uint32_t n; /* words in use; the highest is not 0 */
    uint32_t w[TELEM_I_BIG];
} telem_i_big;

static void telem_i_big_set(telem_i_big *b, uint64_t v) {
    b->w[0] = (uint32_t)(v & 0xFFFFFFFFu);
    b->w[1] = (uint32_t)(v >> 32);
    b->n = b->w[1] ? 2u : b->w[0] ? 1u : 0u;
}

static void telem_i_big_mul(telem_i_big *b, uint32_t factor) {
    uint64_t carry = 0;
    uint32_t i;
    for (i = 0; i < b->n; i++) {
        carry += (uint64_t)b->w[i] * factor;
        b->w[i] = (uint32_t)(carry & 0xFFFFFFFFu);
        carry >>= 32;
    }
    if (carry && b->n < TELEM_I_BIG) b->w[b->n++] = (uint32_t)carry;
}

static void telem_i_big_mul_10(telem_i_big *b, unsigned power) {
    for (; power >= 9; power -= 9) telem_i_big_mul(b, 1000000000u);
    if (power) telem_i_big_mul(b, (uint32_t)telem_i_power_of_10(power));
}

static void telem_i_big_shift(telem_i_big *b, unsigned bits) { /* to the left */
    uint32_t words = bits / 32, i;
    if (b->n == 0 || b->n + words > TELEM_I_BIG) return;
    if (words) {
        memmove(b->w + words, b->w, b->n * sizeof b->w[0]);
        for (i = 0; i < words; i++) b->w[i] = 0;
        b->n += words;
    }
    if (bits % 32) telem_i_big_mul(b, (uint32_t)1 << bits % 32);
}

static int telem_i_big_cmp(const telem_i_big *a, const telem_i_big *b) {
    uint32_t i = a->n;
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    while (i-- > 0)
        if (a->w[i] != b->w[i]) return a->w[i] < b->w[i] ? -1 : 1;
    return 0;
}

static void telem_i_big_sub(telem_i_big *a, const telem_i_big *b) { /* a >= b */
    uint64_t borrow = 0;
    uint32_t i;
    for (i = 0; i < a->n; i++) {
        uint64_t d = (uint64_t)a->w[i] - (i < b->n ? b->w[i] : 0u) - borrow;
        a->w[i] = (uint32_t)(d & 0xFFFFFFFFu);
        borrow = d >> 63;
    }
    while (a->n > 0 && a->w[a->n - 1] == 0) a->n--;
}

static void telem_i_big_add(telem_i_big *a, const telem_i_big *b) {
    uint64_t carry = 0;
    uint32_t i;
    for (i = 0; i < a->n || i < b->n || carry; i++) {
        if (i == TELEM_I_BIG) return;
        carry += (uint64_t)(i < a->n ? a->w[i] : 0u) + (i < b->n ? b->w[i] : 0u);
        if (i >= a->n) a->n = i + 1;
        a->w[i] = (uint32_t)(carry & 0xFFFFFFFFu);
        carry >>= 32;
    }
}

/* The next decimal digit of the fraction r / s. */
static unsigned telem_i_big_digit(telem_i_big *r, const telem_i_big *s) {
    unsigned d = 0;
    telem_i_big_mul(r, 10);
    while (telem_i_big_cmp(r, s) >= 0) {
        telem_i_big_sub(r, s);
        d++;
    }
    return d;
}

/* r / s = m * 2^e / 10^k, where 10^k is the power just above 2^floor(log2(m * 2^e)). */
static int telem_i_big_scale(telem_i_big *r, telem_i_big *s, uint64_t m, int e) {
    int k = telem_i_log10_of_2(63 - (int)telem_i_leading_zeros(m) + e) + 1;
    telem_i_big_set(r, m);
    telem_i_big_set(s, 1);
    if (k < 0) telem_i_big_mul_10(r, (unsigned)-k);
    else telem_i_big_mul_10(s, (unsigned)k);
    if (e < 0) telem_i_big_shift(s, (unsigned)-e);
    else telem_i_big_shift(r, (unsigned)e);
    return k;
}

/* Is r + high (twice it when `twice`) past s? */
static int telem_i_big_past(const telem_i_big *r, const telem_i_big *high, int twice, const telem_i_big *s) {
    telem_i_big sum = *r;
    telem_i_big_add(&sum, high);
    if (twice) telem_i_big_add(&sum, high);
    return telem_i_big_cmp(&sum, s);
}

/* The shortest digits inside the interval of numbers that round to m * 2^e, by whole numbers.
   closer: the neighbour below is half as far as the one above (m is a power of two). */
static void telem_i_shortest_exact(uint64_t m, int e, int closer, telem_i_decimal *d) {
    telem_i_big r, s, half; /* half: from the number to the lower end; the upper is 1 or 2 of it */
    int even = (m & 1) == 0, k, low, high, digit;
    uint64_t digits = 0;
    /* everything times 2 (or 4), so that the half of a unit is whole */
    k = telem_i_big_scale(&r, &s, m, e);
    telem_i_big_set(&half, 1);
    if (k < 0) telem_i_big_mul_10(&half, (unsigned)-k);
    if (e > 0) telem_i_big_shift(&half, (unsigned)e);
    telem_i_big_shift(&r, closer ? 2 : 1);
    telem_i_big_shift(&s, closer ? 2 : 1);
    if (telem_i_big_past(&r, &half, closer, &s) + even > 0) { /* the estimate was one low */
        telem_i_big_mul(&s, 10);
        k++;
    }
    do {
        digit = (int)telem_i_big_digit(&r, &s);
        telem_i_big_mul(&half, 10);
        low = telem_i_big_cmp(&r, &half) - even < 0;
        high = telem_i_big_past(&r, &half, closer, &s) + even > 0;
        digits = digits * 10 + (unsigned)digit;
        k--;
    } while (!low && !high);
    if (high && low) { /* both would do: the nearer one, at equal distance the even one */
        telem_i_big_shift(&r, 1);
        high = telem_i_big_cmp(&r, &s) + (digit & 1) > 0;
    }
    d->digits = digits + (high ? 1u : 0u);
    d->exp = k;
}

enum { TELEM_I_OUT, TELEM_I_IN, TELEM_I_UNSURE };

/* Is a point at distance `gap` within `reach`, both known up to `slack`? */
static int telem_i_within(uint64_t gap, uint64_t reach, uint64_t slack) {
    if (gap > reach) return gap - reach > slack ? TELEM_I_OUT : TELEM_I_UNSURE;
    return reach - gap > slack ? TELEM_I_IN : TELEM_I_UNSURE;
}

/* The same by 64-bit numbers. x is m * 2^e scaled to at least `digits` decimal places before the
   point and `fraction` binary ones behind it; the largest power of ten with a multiple inside the
   interval gives the shortest digits. 1, or 0 when not certain. */
static int telem_i_shortest_fast(const telem_i_format *t, uint64_t m, int e, int closer, telem_i_decimal *d) {
    unsigned zeros = telem_i_leading_zeros(m);
    int q = telem_i_log10_of_2(63 - (int)zeros + e) - (t->digits - 1), e10, shift, j;
    uint64_t power = telem_i_power(-q, &e10), hi, lo, x, reach, slack, unit, best = 0;
    telem_i_mul128(m << zeros, power, &hi, &lo);
    shift = -(e - (int)zeros + e10 + t->fraction);
    if (shift < 64) x = hi << (64 - shift) | lo >> shift; /* 63 at the least */
    else x = hi >> (shift - 64);
    reach = power >> -(e - 1 + e10 + t->fraction);
    slack = 4 + (x >> 62);
    unit = (uint64_t)1 << t->fraction;
    d->exp = q;
    for (j = 0; j <= t->digits; j++, unit *= 10) {
        uint64_t below = x % unit, above = unit - below;
        int in_below = telem_i_within(below, closer ? reach / 2 : reach, slack);
        int in_above = telem_i_within(above, reach, slack);
        if (j > 0 && in_below == TELEM_I_OUT && in_above == TELEM_I_OUT) break;
        if (j == 0) in_below = in_above = TELEM_I_IN; /* the nearer one is: so many digits suffice */
        if (in_below == TELEM_I_UNSURE || in_above == TELEM_I_UNSURE) return 0;
        if (in_below == TELEM_I_IN && in_above == TELEM_I_IN) {
            if ((below > above ? below - above : above - below) <= 2 * slack) best = 0; /* a tie */
            else best = x / unit + (above < below ? 1u : 0u);
        } else best = x / unit + (in_above == TELEM_I_IN ? 1u : 0u);
        d->exp = q + j;
    }
    d->digits = best;
    return best != 0;
}

static telem_i_decimal telem_i_shortest(const telem_i_format *t, uint64_t bits) {
    uint64_t m = bits & (((uint64_t)1 << (t->bits - 1)) - 1);
    uint64_t field = (bits & telem_i_infinity(t)) >> (t->bits - 1);
    int e = t->min, closer = m == 0 && field > 1;
    telem_i_decimal d;
    d.negative = (uint8_t)(bits >> (t->bits - 1 + t->exponent_bits) & 1);
    d.special = (uint8_t)(field << (t->bits - 1) != telem_i_infinity(t) ? 0 : m ? 2 : 1);
    d.digits = 0;
    d.exp = 0;
    if (d.special || (m == 0 && field == 0)) return d;
    if (field > 0) {
        m |= (uint64_t)1 << (t->bits - 1);
        e += (int)field - 1;
    }
    if (e <= 0 && e > -(int)t->bits && (m & (((uint64_t)1 << -e) - 1)) == 0) d.digits = m >> -e; /* a whole number */
    else if (!telem_i_shortest_fast(t, m, e, closer, &d)) telem_i_shortest_exact(m, e, closer, &d);
    while (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exp++;
    }
    return d;
}

static int telem_i_digit_count(uint64_t v) {
    int n = 1;
    while (v >= 10) {
        v /= 10;
        n++;
    }
    return n;
}

/* Drops digits below 10^exp, half away from zero. */
static void telem_i_decimal_round(telem_i_decimal *d, int exp) {
    int drop = exp - d->exp;
    if (drop <= 0 || d->digits == 0) return;
    if (drop > 19) d->digits = 0;
    else {
        uint64_t unit = telem_i_power_of_10((unsigned)drop);
        d->digits = d->digits / unit + (d->digits % unit >= unit - unit / 2 ? 1u : 0u);
    }
    d->exp = exp;
}

static void telem_i_out_zeros(telem_i_out *o, int n) {
    while (n-- > 0) telem_i_out_char(o, '0');
}

static void telem_i_out_special(telem_i_out *o, const telem_i_decimal *d) {
    if (d->special == 2) telem_i_out_str(o, "nan");
    else telem_i_out_str(o, d->negative ? "-inf" : "inf");
}

/* decimals < 0: as many as there are digits. */
static void telem_i_out_fixed(telem_i_out *o, const telem_i_decimal *d, int decimals) {
    uint64_t unit = d->exp < 0 && d->exp >= -19 ? telem_i_power_of_10((unsigned)-d->exp) : 0;
    int have = d->exp < 0 ? -d->exp : 0;
    if (d->exp >= 0) {
        telem_i_out_u64(o, d->digits);
        if (d->digits) telem_i_out_zeros(o, d->exp);
    } else telem_i_out_u64(o, unit ? d->digits / unit : 0);
    if (decimals < 0) decimals = have;
    if (decimals == 0) return;
    telem_i_out_char(o, '.');
    if (have) {
        uint64_t rest = unit ? d->digits % unit : d->digits;
        telem_i_out_zeros(o, have - telem_i_digit_count(rest));
        telem_i_out_u64(o, rest);
    }
    telem_i_out_zeros(o, decimals - have);
}

static void telem_i_out_exponent(telem_i_out *o, const telem_i_decimal *d, int exp) {
    char digits[20];
    int n = telem_i_digit_count(d->digits), i;
    uint64_t v = d->digits;
    for (i = n; i-- > 0; v /= 10) digits[i] = (char)('0' + (int)(v % 10u));
    telem_i_out_char(o, digits[0]);
    if (n > 1) {
        telem_i_out_char(o, '.');
        telem_i_out_bytes(o, digits + 1, (size_t)(n - 1));
    }
    telem_i_out_str(o, exp < 0 ? "e-" : "e");
    telem_i_out_u64(o, (uint64_t)(exp < 0 ? -exp : exp));
}

static void telem_i_out_decimal(telem_i_out *o, const telem_i_decimal *d) {
    int point = telem_i_digit_count(d->digits) + d->exp; /* digits before the point */
    if (d->special) {
        telem_i_out_special(o, d);
        return;
    }
    if (d->negative) telem_i_out_char(o, '-');
    if (point > 21 || point <= -6) telem_i_out_exponent(o, d, point - 1);
    else telem_i_out_fixed(o, d, -1);
}

/* A physical value: `decimals` places, or at most 12 digits when that is negative or the number is
   so large that its digits end before the point. */
static void telem_i_out_physical(telem_i_out *o, telem_i_decimal *d, int decimals) {
    int point = telem_i_digit_count(d->digits) + d->exp;
    if (d->special || decimals < 0 || point > 21) {
        telem_i_decimal_round(d, point - 12);
        while (d->digits && d->digits % 10 == 0) {
            d->digits /= 10;
            d->exp++;
        }
        telem_i_out_decimal(o, d);
        return;
    }
    telem_i_decimal_round(d, -decimals);
    if (d->negative) telem_i_out_char(o, '-');
    telem_i_out_fixed(o, d, decimals);
}

static uint32_t telem_i_f32_bits(float v) {
    uint32_t bits;
    memcpy(&bits, &v, 4);
    return bits;
}
static double telem_i_f64_from(uint64_t bits) {
    double v;
    memcpy(&v, &bits, 8);
    return v;
}
static float telem_i_f32_from(uint32_t bits) {
    float v;
    memcpy(&v, &bits, 4);
    return v;
}

/* >>numbers */

static void telem_i_out_i64(telem_i_out *o, int64_t v) {
    if (v < 0) telem_i_out_char(o, '-');
    telem_i_out_u64(o, v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v);
}

static void telem_i_out_float(telem_i_out *o, const telem_i_format *t, uint64_t bits) {
    telem_i_decimal d = telem_i_shortest(t, bits);
    telem_i_out_decimal(o, &d);
}

TELEM_API size_t telem_print_f64(char *buf, size_t cap, double v) {
    telem_i_out o = telem_i_out_begin(buf, cap);
    telem_i_out_float(&o, &telem_i_f64, telem_i_f64_bits(v));
    return telem_i_out_end(&o);
}
TELEM_API size_t telem_print_f32(char *buf, size_t cap, float v) {
    telem_i_out o = telem_i_out_begin(buf, cap);
    telem_i_out_float(&o, &telem_i_f32, telem_i_f32_bits(v));
    return telem_i_out_end(&o);
}
TELEM_API size_t telem_print_i64(char *buf, size_t cap, int64_t v) {
    telem_i_out o = telem_i_out_begin(buf, cap);
    telem_i_out_i64(&o, v);
    return telem_i_out_end(&o);
}
TELEM_API size_t telem_print_u64(char *buf, size_t cap, uint64_t v) {
    telem_i_out o = telem_i_out_begin(buf, cap);
    telem_i_out_u64(&o, v);
    return telem_i_out_end(&o);
}

static int telem_i_is_digit(char c) { return c >= '0' && c <= '9'; }
static char telem_i_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static int telem_i_same_word(const char *s, size_t n, const char *word) {
    size_t i;
    if (telem_i_length(word) != n) return 0;
    for (i = 0; i < n; i++)
        if (telem_i_lower(s[i]) != word[i]) return 0;
    return 1;
}

static telem_result telem_i_parse_magnitude(const char *s, size_t n, uint64_t *v) {
    uint64_t sum = 0;
    size_t i;
    int over = 0;
    if (n == 0) return TELEM_ERR_SYNTAX;
    for (i = 0; i < n; i++) {
        uint32_t digit;
        if (!telem_i_is_digit(s[i])) return TELEM_ERR_SYNTAX;
        digit = (uint32_t)(s[i] - '0');
        over |= sum > UINT64_MAX / 10 || sum * 10 > UINT64_MAX - digit;
        sum = sum * 10 + digit;
    }
    if (over) return TELEM_ERR_RANGE;
    *v = sum;
    return TELEM_OK;
}

TELEM_API telem_result telem_parse_u64(const char *s, size_t n, uint64_t *v) {
    size_t sign = n > 0 && s[0] == '+' ? 1u : 0u;
    uint64_t mag = 0;
    telem_result r = telem_i_parse_magnitude(s + sign, n - sign, &mag);
    if (r == TELEM_ERR_SYNTAX && n > 1 && s[0] == '-') { /* a number, but below zero */
        r = telem_i_parse_magnitude(s + 1, n - 1, &mag);
        if (r == TELEM_OK && mag != 0) r = TELEM_ERR_RANGE;
    }
    if (r == TELEM_OK) *v = mag;
    return r;
}

TELEM_API telem_result telem_parse_i64(const char *s, size_t n, int64_t *v) {
    int negative = n > 0 && s[0] == '-';
    size_t sign = n > 0 && (s[0] == '-' || s[0] == '+') ? 1u : 0u;
    uint64_t mag = 0;
    telem_result r = telem_i_parse_magnitude(s + sign, n - sign, &mag);
    if (r != TELEM_OK) return r;
    if (mag > (uint64_t)INT64_MAX + (negative ? 1u : 0u)) return TELEM_ERR_RANGE;
    *v = telem_i_signed(negative ? (uint64_t)0 - mag : mag);
    return TELEM_OK;
}

/* The parts of a decimal number in text: 0.d1d2d3... * 10^point, d1 not 0. */
typedef struct telem_i_number {
    const char *digits; /* from d1 on; may hold a point */
    size_t size;
    uint64_t head; /* the first `used` digits, at most 19 */
    int used, more; /* more: digits other than 0 follow behind them */
    int64_t point;
} telem_i_number;

static telem_result telem_i_scan_exponent(const char *s, size_t n, int64_t *exp) {
    int negative = n > 0 && s[0] == '-';
    int64_t v = 0;
    size_t i = n > 0 && (s[0] == '-' || s[0] == '+') ? 1u : 0u;
    if (i == n) return TELEM_ERR_SYNTAX;
    for (; i < n; i++) {
        if (!telem_i_is_digit(s[i])) return TELEM_ERR_SYNTAX;
        if (v < 1000000000000) v = v * 10 + (s[i] - '0');
    }
    *exp = negative ? -v : v;
    return TELEM_OK;
}

static telem_result telem_i_scan(const char *s, size_t n, telem_i_number *out) {
    size_t i, any = 0;
    int behind = 0; /* the point was seen */
    int64_t exp = 0;
    memset(out, 0, sizeof *out);
    for (i = 0; i < n && (telem_i_is_digit(s[i]) || (s[i] == '.' && !behind)); i++) {
        uint32_t digit = (uint32_t)(s[i] - '0');
        if (s[i] == '.') {
            behind = 1;
            continue;
        }
        any = 1;
        if (!out->digits && digit) out->digits = s + i;
        if (out->digits ? !behind : 0) out->point++;
        if (!out->digits && behind) out->point--;
        if (!out->digits) continue;
        if (out->used < 19) {
            out->head = out->head * 10 + digit;
            out->used++;
        } else if (digit) out->more = 1;
    }
    out->size = out->digits ? (size_t)(s + i - out->digits) : 0;
    if (!any) return TELEM_ERR_SYNTAX;
    if (i == n) return TELEM_OK;
    if (telem_i_lower(s[i]) != 'e') return TELEM_ERR_SYNTAX;
    if (telem_i_scan_exponent(s + i + 1, n - i - 1, &exp) != TELEM_OK) return TELEM_ERR_SYNTAX;
    out->point += exp;
    return TELEM_OK;
}

/* The text against m * 2^e, exactly: the digits of the latter are made one by one. */
static int telem_i_compare_exact(const telem_i_number *x, uint64_t m, int e) {
    telem_i_big r, s;
    size_t i;
    int k = telem_i_big_scale(&r, &s, m, e);
    if (telem_i_big_cmp(&r, &s) >= 0) {
        telem_i_big_mul(&s, 10);
        k++;
    }
    if (x->point != k) return x->point < k ? -1 : 1;
    for (i = 0; i < x->size; i++) {
        int here, there;
        if (x->digits[i] == '.') continue;
        here = x->digits[i] - '0';
        there = (int)telem_i_big_digit(&r, &s);
        if (here != there) return here < there ? -1 : 1;
    }
    return r.n ? -1 : 0;
}

/* head * 10^exp as x * 2^e with x >= 2^63, within the units that *slack says. */
static uint64_t telem_i_approximate(const telem_i_number *in, int *e, uint64_t *slack) {
    unsigned zeros = telem_i_leading_zeros(in->head);
    uint64_t power = telem_i_power((int)in->point - in->used, e), hi, lo;
    telem_i_mul128(in->head << zeros, power, &hi, &lo);
    *e += 64 - (int)zeros;
    if (hi >> 63 == 0) {
        hi = hi << 1 | lo >> 63;
        *e -= 1;
    }
    *slack = in->more ? 30 : 6;
    return hi;
}

/* Nearest value of the format, ties to even, as bits without sign. */
static telem_result telem_i_round_number(const telem_i_number *in, const telem_i_format *t, uint64_t *bits) {
    uint64_t x, m, rest, half, slack;
    int e, drop;
    *bits = 0;
    if (in->head == 0 || in->point < -330) return TELEM_OK;
    if (in->point > 310) return TELEM_ERR_RANGE;
    x = telem_i_approximate(in, &e, &slack);
    drop = 64 - t->bits;
    if (e + drop < t->min) drop = t->min - e;
    if (drop > 65) return TELEM_OK; /* below half of the smallest */
    e += drop;
    m = drop < 64 ? x >> drop : 0;
    rest = drop < 64 ? x & (((uint64_t)1 << drop) - 1) : drop == 64 ? x : x >> 1;
    half = (uint64_t)1 << (drop < 64 ? drop - 1 : 63);
    if ((rest > half ? rest - half : half - rest) > slack) m += rest > half ? 1u : 0u;
    else {
        int above = telem_i_compare_exact(in, 2 * m + 1, e - 1);
        m += above > 0 || (above == 0 && (m & 1)) ? 1u : 0u;
    }
    *bits = ((uint64_t)(e - t->min) << (t->bits - 1)) + m; /* the top bit of m counts the exponent up */
    return *bits >= telem_i_infinity(t) ? TELEM_ERR_RANGE : TELEM_OK;
}

static telem_result telem_i_parse_float(const char *s, size_t n, const telem_i_format *t, uint64_t *bits) {
    size_t sign = n > 0 && (s[0] == '-' || s[0] == '+') ? 1u : 0u;
    uint64_t value, top = sign && s[0] == '-' ? (uint64_t)1 << (t->bits - 1 + t->exponent_bits) : 0;
    telem_i_number number;
    telem_result r;
    s += sign;
    n -= sign;
    if (telem_i_same_word(s, n, "nan")) value = telem_i_infinity(t) | (uint64_t)1 << (t->bits - 2);
    else if (telem_i_same_word(s, n, "inf") || telem_i_same_word(s, n, "infinity")) value = telem_i_infinity(t);
    else {
        r = telem_i_scan(s, n, &number);
        if (r == TELEM_OK) r = telem_i_round_number(&number, t, &value);
        if (r != TELEM_OK) return r;
    }
    *bits = value | top;
    return TELEM_OK;
}

TELEM_API telem_result telem_parse_f64(const char *s, size_t n, double *v) {
    uint64_t bits;
    telem_result r = telem_i_parse_float(s, n, &telem_i_f64, &bits);
    if (r == TELEM_OK) *v = telem_i_f64_from(bits);
    return r;
}
TELEM_API telem_result telem_parse_f32(const char *s, size_t n, float *v) {
    uint64_t bits;
    telem_result r = telem_i_parse_float(s, n, &telem_i_f32, &bits);
    if (r == TELEM_OK) *v = telem_i_f32_from((uint32_t)bits);
    return r;
}

TELEM_API float telem_bf16_to_f32(uint16_t h) { return telem_i_f32_from((uint32_t)h << 16); }

TELEM_API uint16_t telem_f32_to_bf16(float v) {
    uint32_t bits = telem_i_f32_bits(v);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return (uint16_t)(bits >> 16 | 0x40u); /* a quiet NaN */
    return (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

TELEM_API float telem_f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, e = h >> 10 & 0x1Fu, m = h & 0x3FFu;
    if (e == 31) return telem_i_f32_from(sign | 0x7F800000u | m << 13);
    if (e == 0) { /* m * 2^-24, exact */
        float v = (float)m * telem_i_f32_from(0x33800000u);
        return sign ? -v : v;
    }
    return telem_i_f32_from(sign | (e + 112u) << 23 | m << 13);
}

TELEM_API uint16_t telem_f32_to_f16(float v) {
    uint32_t bits = telem_i_f32_bits(v), sign = bits >> 16 & 0x8000u, mag = bits & 0x7FFFFFFFu;
    uint32_t e = mag >> 23, m = (mag & 0x7FFFFFu) | 0x800000u, shift, rest, half;
    if (mag > 0x7F800000u) return (uint16_t)(sign | 0x7E00u | (mag >> 13 & 0x3FFu));
    if (e >= 143) return (uint16_t)(sign | 0x7C00u); /* 65536 and more */
    if (e < 102) return (uint16_t)sign;              /* below half of the smallest */
    shift = e >= 113 ? 13u : 126u - e;
    rest = m & (((uint32_t)1 << shift) - 1);
    half = (uint32_t)1 << (shift - 1);
    m >>= shift;
    m += rest > half || (rest == half && (m & 1)) ? 1u : 0u;
    return (uint16_t)(sign | ((e >= 113 ? (e - 113u) << 10 : 0u) + m));
}

/* >>cells */

static uint64_t telem_i_load(const uint8_t *p, uint32_t width) {
    switch (width) {
    case 1: return *p;
    case 2: return telem_get16(p);
    case 4: return telem_get32(p);
    default: return telem_get64(p);
    }
}

static void telem_i_store(uint8_t *p, uint32_t width, uint64_t v) {
    switch (width) {
    case 1: *p = (uint8_t)(v & 0xFFu); break;
    case 2: telem_put16(p, (uint16_t)(v & 0xFFFFu)); break;
    case 4: telem_put32(p, (uint32_t)(v & 0xFFFFFFFFu)); break;
    default: telem_put64(p, v); break;
    }
}

/* Two's complement of `width` bytes to 64 bits. */
static int64_t telem_i_extend(uint64_t v, uint32_t width) {
    uint64_t sign = (uint64_t)1 << (8 * width - 1);
    return telem_i_signed((v ^ sign) - sign);
}

static const uint8_t *telem_i_cell(const telem_column *c, uint32_t element, const void *row) {
    return (const uint8_t *)row + c->row + element * c->width;
}

static int telem_i_cell_absent(const telem_column *c, const void *row) {
    return c->guard != TELEM_NO_GUARD && ((const uint8_t *)row)[c->guard] == 0;
}

static const telem_i_format *telem_i_format_of(uint8_t type) {
    if (type == TELEM_F16) return &telem_i_f16;
    if (type == TELEM_BF16) return &telem_i_bf16;
    return type == TELEM_F32 ? &telem_i_f32 : &telem_i_f64;
}

/* Is the physical value another than the raw one? */
static int telem_i_converts(const telem_field *f) {
    return telem_i_is_numeric(f->type) && ((!telem_i_is_zero(f->scale) && !telem_i_is_one(f->scale)) || !telem_i_is_zero(f->bias));
}

static double telem_i_raw_number(const telem_column *c, const uint8_t *cell) {
    uint64_t raw = telem_i_load(cell, c->width);
    switch (c->type) {
    case TELEM_F16: return (double)telem_f16_to_f32((uint16_t)raw);
    case TELEM_BF16: return (double)telem_bf16_to_f32((uint16_t)raw);
    case TELEM_F32: return (double)telem_i_f32_from((uint32_t)raw);
    case TELEM_F64: return telem_i_f64_from(raw);
    default: return telem_i_is_signed(c->type) ? (double)telem_i_extend(raw, c->width) : (double)raw;
    }
}

static double telem_i_physical(const telem_field *f, double raw) {
    volatile double scaled = raw * (f->scale != 0.0 ? f->scale : 1.0); /* two roundings on every target */
    return scaled + f->bias;
}

TELEM_API int telem_cell_number(const telem_column *c, uint32_t element, const void *row, double *v) {
    double raw;
    if (c->type >= TELEM_CHARS) return 0;
    raw = telem_i_raw_number(c, telem_i_cell(c, element, row));
    *v = !c->presence && telem_i_converts(c->field) ? telem_i_physical(c->field, raw) : raw;
    return 1;
}

static const char *telem_i_label(const telem_field *f, uint64_t value) {
    uint32_t i;
    for (i = 0; i < f->label_count; i++)
        if (f->labels[i].value == value) return f->labels[i].name;
    return NULL;
}

static void telem_i_out_bits(telem_i_out *o, const telem_field *f, uint64_t v) {
    uint32_t bit;
    if (v == 0) telem_i_out_char(o, '0');
    for (bit = 0; v; bit++, v >>= 1) {
        const char *label = telem_i_label(f, bit);
        if (!(v & 1)) continue;
        if (label) telem_i_out_str(o, label);
        else {
            telem_i_out_str(o, "bit");
            telem_i_out_u64(o, bit);
        }
        if (v > 1) telem_i_out_char(o, '|');
    }
}

static void telem_i_out_hex(telem_i_out *o, const uint8_t *p, uint32_t n) {
    static const char digits[] = "0123456789abcdef";
    for (; n > 0; n--, p++) {
        telem_i_out_char(o, digits[*p >> 4]);
        telem_i_out_char(o, digits[*p & 15]);
    }
}

/* The bytes of a text or bytes value; a hostile length is cut to the size. */
static const uint8_t *telem_i_cell_bytes(const telem_column *c, const uint8_t *cell, uint32_t *n) {
    uint32_t size = c->field->size;
    if (c->type == TELEM_BYTES) *n = size;
    else if (c->type == TELEM_CHARS) *n = telem_i_text_len(cell, size);
    else {
        uint32_t len = telem_get32(cell);
        *n = len < size ? len : size;
        return cell + 4;
    }
    return cell;
}

static void telem_i_out_number(telem_i_out *o, const telem_column *c, const uint8_t *cell, uint32_t flags) {
    uint64_t raw = telem_i_load(cell, c->width);
    if (!(flags & TELEM_PRINT_RAW) && telem_i_converts(c->field)) {
        double v = telem_i_physical(c->field, telem_i_raw_number(c, cell));
        telem_i_decimal d = telem_i_shortest(&telem_i_f64, telem_i_f64_bits(v));
        telem_i_out_physical(o, &d, (int)c->field->decimals - 1);
    } else if (telem_i_is_float(c->type)) telem_i_out_float(o, telem_i_format_of(c->type), raw);
    else if (telem_i_is_signed(c->type)) telem_i_out_i64(o, telem_i_extend(raw, c->width));
    else telem_i_out_u64(o, raw);
}

static void telem_i_out_cell(telem_i_out *o, const telem_column *c, const uint8_t *cell, uint32_t flags) {
    uint32_t n;
    const uint8_t *p;
    const char *label;
    if (c->type == TELEM_BOOL) telem_i_out_str(o, *cell ? "true" : "false");
    else if (c->type >= TELEM_CHARS) {
        p = telem_i_cell_bytes(c, cell, &n);
        if (c->type == TELEM_BYTES || c->type == TELEM_BLOB) telem_i_out_hex(o, p, n);
        else telem_i_out_bytes(o, (const char *)p, n);
    } else if (telem_i_is_labelled(c->type) && !(flags & TELEM_PRINT_ENUM_NUMBER)) {
        uint64_t v = telem_i_load(cell, c->width);
        label = telem_i_is_enum(c->type) ? telem_i_label(c->field, v) : NULL;
        if (label) telem_i_out_str(o, label);
        else if (telem_i_is_enum(c->type)) telem_i_out_u64(o, v);
        else telem_i_out_bits(o, c->field, v);
    } else telem_i_out_number(o, c, cell, flags);
}

/* Raw counts have no unit. */
static const char *telem_i_unit(const telem_column *c, uint32_t flags) {
    if (c->presence || ((flags & TELEM_PRINT_RAW) && telem_i_converts(c->field))) return "";
    return c->field->unit ? c->field->unit : "";
}

TELEM_API size_t telem_cell_print(const telem_column *c, uint32_t element, const void *row, uint32_t flags, char *buf, size_t cap) {
    telem_i_out o = telem_i_out_begin(buf, cap);
    if (!telem_i_cell_absent(c, row)) {
        telem_i_out_cell(&o, c, telem_i_cell(c, element, row), flags);
        if (flags & TELEM_PRINT_UNITS) telem_i_out_str(&o, telem_i_unit(c, flags));
    }
    return telem_i_out_end(&o);
}

/* Nearest whole number, half away from zero. 0 when it passes 64 bits or is no number. */
static int telem_i_round(double v, int *negative, uint64_t *mag) {
    double rest;
    *negative = v < 0;
    if (v < 0) v = -v;
    if (!(v < 18446744073709551615.0)) return 0;
    *mag = (uint64_t)v;
    rest = v - (double)*mag;
    if (rest >= 0.5) ++*mag;
    return 1;
}

/* A whole number into `width` bytes, with or without sign. */
static telem_result telem_i_fit(int negative, uint64_t mag, uint8_t type, uint32_t width, uint64_t *raw) {
    uint64_t max = ~(uint64_t)0 >> (64 - 8 * width);
    if (telem_i_is_signed(type)) max = max / 2 + (negative ? 1u : 0u);
    else if (negative && mag) return TELEM_ERR_RANGE;
    if (mag > max) return TELEM_ERR_RANGE;
    *raw = negative ? (uint64_t)0 - mag : mag;
    return TELEM_OK;
}

static telem_result telem_i_parse_integer(const telem_column *c, const char *s, size_t n, uint64_t *raw) {
    int negative = n > 0 && s[0] == '-';
    size_t sign = n > 0 && (s[0] == '-' || s[0] == '+') ? 1u : 0u;
    uint64_t mag = 0;
    double v;
    telem_result r = telem_i_converts(c->field) ? TELEM_ERR_SYNTAX : telem_i_parse_magnitude(s + sign, n - sign, &mag);
    if (r != TELEM_ERR_SYNTAX) return r == TELEM_OK ? telem_i_fit(negative, mag, c->type, c->width, raw) : r;
    r = telem_parse_f64(s, n, &v);
    if (r != TELEM_OK) return r;
    if (telem_i_converts(c->field)) v = (v - c->field->bias) / (c->field->scale != 0.0 ? c->field->scale : 1.0);
    if (!telem_i_round(v, &negative, &mag)) return TELEM_ERR_RANGE;
    if (!telem_i_converts(c->field) && (negative ? -v : v) - (double)mag != 0.0) return TELEM_ERR_SYNTAX; /* 1.5 is no integer */
    return telem_i_fit(negative, mag, c->type, c->width, raw);
}

/* A double into a narrower format: by its shortest digits, which keeps one rounding routine. */
static telem_result telem_i_narrow(const telem_i_format *t, double v, uint64_t *raw) {
    char text[32];
    size_t n = telem_print_f64(text, sizeof text, v);
    return telem_i_parse_float(text, n, t, raw);
}

static telem_result telem_i_parse_real(const telem_column *c, const char *s, size_t n, uint64_t *raw) {
    const telem_i_format *t = telem_i_format_of(c->type);
    double v;
    telem_result r;
    if (!telem_i_converts(c->field)) return telem_i_parse_float(s, n, t, raw);
    r = telem_parse_f64(s, n, &v);
    if (r != TELEM_OK) return r;
    v = (v - c->field->bias) / (c->field->scale != 0.0 ? c->field->scale : 1.0);
    return telem_i_narrow(t, v, raw);
}

static telem_result telem_i_parse_label(const telem_field *f, const char *s, size_t n, uint64_t *value) {
    uint32_t i;
    for (i = 0; i < f->label_count; i++)
        if (telem_i_length(f->labels[i].name) == n && memcmp(f->labels[i].name, s, n) == 0) {
            *value = f->labels[i].value;
            return TELEM_OK;
        }
    return TELEM_ERR_SYNTAX;
}

static telem_result telem_i_parse_enum(const telem_column *c, const char *s, size_t n, uint64_t *raw) {
    telem_result r = telem_i_parse_label(c->field, s, n, raw);
    if (r == TELEM_OK) return r;
    r = telem_parse_u64(s, n, raw);
    return r == TELEM_OK && *raw >> 1 >> (8 * c->width - 1) ? TELEM_ERR_RANGE : r;
}

/* One name of "A|B": a label, or bit7. */
static telem_result telem_i_parse_bit(const telem_column *c, const char *s, size_t n, uint64_t *bit) {
    telem_result r = telem_i_parse_label(c->field, s, n, bit);
    if (r == TELEM_OK) return r;
    if (n < 4 || memcmp(s, "bit", 3) != 0) return TELEM_ERR_SYNTAX;
    r = telem_parse_u64(s + 3, n - 3, bit);
    return r == TELEM_OK && *bit >= 8 * c->width ? TELEM_ERR_RANGE : r;
}

static telem_result telem_i_parse_bits(const telem_column *c, const char *s, size_t n, uint64_t *raw) {
    uint64_t bits = 0, bit;
    size_t from = 0, to;
    telem_result r = telem_parse_u64(s, n, raw);
    if (r == TELEM_OK) return *raw >> 1 >> (8 * c->width - 1) ? TELEM_ERR_RANGE : TELEM_OK;
    while (from <= n) { /* a label may hold a '|': the longest that fits */
        for (to = n;; to--) {
            if (to < n && s[to] != '|') {
                if (to == from) return TELEM_ERR_SYNTAX;
                continue;
            }
            r = telem_i_parse_bit(c, s + from, to - from, &bit);
            if (r == TELEM_OK || to == from) break;
            if (r == TELEM_ERR_RANGE) return r;
        }
        if (r != TELEM_OK) return r;
        bits |= (uint64_t)1 << bit;
        from = to + 1;
    }
    *raw = bits;
    return TELEM_OK;
}

static telem_result telem_i_parse_bool(const char *s, size_t n, uint64_t *raw) {
    if (telem_i_same_word(s, n, "true") || (n == 1 && *s == '1')) *raw = 1;
    else if (telem_i_same_word(s, n, "false") || (n == 1 && *s == '0')) *raw = 0;
    else return TELEM_ERR_SYNTAX;
    return TELEM_OK;
}

static int telem_i_hex(char c) {
    if (telem_i_is_digit(c)) return c - '0';
    c = telem_i_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static telem_result telem_i_parse_hex(const char *s, size_t n, uint8_t *to) {
    size_t i;
    for (i = 0; i < n; i++)
        if (telem_i_hex(s[i]) < 0) return TELEM_ERR_SYNTAX;
    for (i = 0; i < n; i += 2) to[i / 2] = (uint8_t)(telem_i_hex(s[i]) * 16 + telem_i_hex(s[i + 1]));
    return TELEM_OK;
}

static telem_result telem_i_parse_text(const telem_column *c, const char *s, size_t n, uint8_t *cell) {
    uint32_t size = c->field->size, head = c->width - size; /* 4 or 0 bytes of length */
    int hex = c->type == TELEM_BYTES || c->type == TELEM_BLOB;
    size_t len = hex ? n / 2 : n;
    if (hex && n % 2) return TELEM_ERR_SYNTAX;
    if (len > size || (c->type == TELEM_BYTES && len != size)) return TELEM_ERR_RANGE;
    if (c->type == TELEM_CHARS && telem_i_has_nul(s, n)) return TELEM_ERR_SYNTAX;
    if (hex && telem_i_parse_hex(s, n, cell + head) != TELEM_OK) return TELEM_ERR_SYNTAX;
    if (!hex) memcpy(cell + head, s, n);
    memset(cell + head + len, 0, size - len);
    if (head) telem_put32(cell, (uint32_t)len);
    return TELEM_OK;
}

static telem_result telem_i_parse_scalar(const telem_column *c, const char *s, size_t n, uint64_t *raw) {
    if (c->type == TELEM_BOOL) return telem_i_parse_bool(s, n, raw);
    if (telem_i_is_enum(c->type)) return telem_i_parse_enum(c, s, n, raw);
    if (telem_i_is_bits(c->type)) return telem_i_parse_bits(c, s, n, raw);
    if (telem_i_is_float(c->type)) return telem_i_parse_real(c, s, n, raw);
    return telem_i_parse_integer(c, s, n, raw);
}

static telem_result telem_i_parse_empty(const telem_column *c, uint8_t *cell, uint8_t *row) {
    int own = !c->presence && (c->field->flags & TELEM_OPTIONAL);
    if (!own && c->guard == TELEM_NO_GUARD && c->type < TELEM_CHARS) return TELEM_ERR_SYNTAX;
    memset(cell, 0, c->width);
    if (own && !c->field->count) row[c->guard] = 0;
    return TELEM_OK;
}

TELEM_API telem_result telem_cell_parse(const telem_column *c, uint32_t element, const char *text, size_t n, void *row) {
    uint8_t *base = (uint8_t *)row, *cell = base + c->row + element * c->width;
    uint64_t raw = 0;
    telem_result r;
    if (n == 0) return telem_i_parse_empty(c, cell, base);
    if (c->type >= TELEM_CHARS) r = telem_i_parse_text(c, text, n, cell);
    else {
        r = telem_i_parse_scalar(c, text, n, &raw);
        if (r == TELEM_OK) telem_i_store(cell, c->width, raw);
    }
    if (r == TELEM_OK && c->guard != TELEM_NO_GUARD) base[c->guard] = 1;
    return r;
}

/* >>rows */

/* Bytes of the UTF-8 character at p, or 0 when it is none (RFC 3629). */
static size_t telem_i_utf8(const uint8_t *p, size_t n) {
    size_t len = p[0] < 0x80u ? 1u : p[0] < 0xC2u ? 0u : p[0] < 0xE0u ? 2u : p[0] < 0xF0u ? 3u : p[0] < 0xF5u ? 4u : 0u;
    size_t i;
    if (len == 0 || len > n) return 0;
    for (i = 1; i < len; i++)
        if ((p[i] & 0xC0u) != 0x80u) return 0;
    if (len < 3) return len;
    if ((p[0] == 0xE0u && p[1] < 0xA0u) || (p[0] == 0xEDu && p[1] > 0x9Fu)) return 0; /* too long; surrogates */
    if ((p[0] == 0xF0u && p[1] < 0x90u) || (p[0] == 0xF4u && p[1] > 0x8Fu)) return 0; /* too long; too large */
    return len;
}

static void telem_i_out_json_char(telem_i_out *o, uint8_t c) {
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', '0', '0'};
    text[4] = hex[c >> 4];
    text[5] = hex[c & 15];
    if (c == '\n') text[1] = 'n';
    if (c == '"' || c == '\\') text[1] = (char)c;
    telem_i_out_raw(o, text, text[1] == 'u' ? 6 : 2);
}

/* The inside of a JSON string (RFC 8259); bytes that are no UTF-8 become U+FFFD. */
static void telem_i_out_json(telem_i_out *o, const char *p, size_t n) {
    size_t i, len;
    for (i = 0; i < n; i += len ? len : 1u) {
        uint8_t c = (uint8_t)p[i];
        len = telem_i_utf8((const uint8_t *)p + i, n - i);
        if (len == 0) telem_i_out_raw(o, "\xEF\xBF\xBD", 3);
        else if (c < 0x20u || c == 0x7Fu || c == '"' || c == '\\') telem_i_out_json_char(o, c);
        else telem_i_out_raw(o, p + i, len);
    }
}

static void telem_i_out_quoted_cell(telem_i_out *o, uint8_t mode, const telem_column *c, const uint8_t *cell, uint32_t flags) {
    telem_i_out_char(o, '"');
    o->mode = mode;
    telem_i_out_cell(o, c, cell, flags);
    o->mode = TELEM_I_AS_IS;
    telem_i_out_char(o, '"');
}

typedef struct telem_i_rows {
    telem_i_out *o;
    const uint8_t *row;
    uint32_t flags;
    uint8_t json, comma; /* comma: something stands before */
} telem_i_rows;

static int telem_i_is_string(uint8_t type) { return type == TELEM_CHARS || type == TELEM_STRING; }

/* Is the cell a string in JSON? */
static int telem_i_json_string(const telem_column *c, const uint8_t *cell, uint32_t flags) {
    if (c->type >= TELEM_CHARS) return 1;
    if (telem_i_is_labelled(c->type) && !(flags & TELEM_PRINT_ENUM_NUMBER))
        return telem_i_is_bits(c->type) || telem_i_label(c->field, telem_i_load(cell, c->width));
    return (flags & TELEM_PRINT_INT64_STRING) && (c->type == TELEM_I64 || c->type == TELEM_U64) &&
           ((flags & TELEM_PRINT_RAW) || !telem_i_converts(c->field));
}

/* JSON has no number for what is not finite. */
static int telem_i_json_null(const telem_column *c, const uint8_t *cell, uint32_t flags) {
    double v;
    if (!telem_i_is_numeric(c->type)) return 0;
    v = telem_i_raw_number(c, cell);
    if (!(flags & TELEM_PRINT_RAW) && telem_i_converts(c->field)) v = telem_i_physical(c->field, v);
    return !telem_i_finite(v);
}

static void telem_i_row_cell(const telem_i_rows *r, const telem_column *c, const uint8_t *cell) {
    if (r->json ? telem_i_json_string(c, cell, r->flags) : telem_i_is_string(c->type))
        telem_i_out_quoted_cell(r->o, TELEM_I_AS_JSON, c, cell, r->flags);
    else if (r->json && telem_i_json_null(c, cell, r->flags)) telem_i_out_str(r->o, "null");
    else telem_i_out_cell(r->o, c, cell, r->flags);
    if (r->flags & TELEM_PRINT_UNITS) telem_i_out_str(r->o, telem_i_unit(c, r->flags));
}

static void telem_i_row_name(telem_i_rows *r, const telem_field *f) {
    if (r->comma) telem_i_out_char(r->o, r->json ? ',' : ' ');
    if (r->json) telem_i_out_char(r->o, '"');
    r->o->mode = r->json ? TELEM_I_AS_JSON : TELEM_I_AS_IS;
    telem_i_out_str(r->o, f->name);
    r->o->mode = TELEM_I_AS_IS;
    telem_i_out_str(r->o, r->json ? "\":" : "=");
    r->comma = 1;
}

static void telem_i_row_leaf(telem_i_rows *r, const telem_column *c) {
    uint32_t i;
    telem_i_row_name(r, c->field);
    if (c->field->count) telem_i_out_char(r->o, '[');
    for (i = 0; i < c->count; i++) {
        if (i) telem_i_out_char(r->o, ',');
        telem_i_row_cell(r, c, telem_i_cell(c, i, r->row));
    }
    if (c->field->count) telem_i_out_char(r->o, ']');
}

static void telem_i_row_event(telem_i_rows *r, const telem_columns *it, const telem_column *c, int event) {
    switch (event) {
    case TELEM_I_LEAF: telem_i_row_leaf(r, c); break;
    case TELEM_I_OPEN:
        telem_i_row_name(r, telem_i_field(it, it->depth - 1u));
        telem_i_out_str(r->o, telem_i_field(it, it->depth - 1u)->count ? "[{" : "{");
        r->comma = 0;
        break;
    case TELEM_I_ELEMENT:
        telem_i_out_str(r->o, "},{");
        r->comma = 0;
        break;
    default: /* CLOSE */
        telem_i_out_str(r->o, telem_i_field(it, it->depth)->count ? "}]" : "}");
        r->comma = 1;
        break;
    }
}

/* An absent field: null in JSON, left out of a text. */
static void telem_i_row_absent(telem_i_rows *r, const telem_column *c) {
    if (!r->json) return;
    telem_i_row_name(r, c->field);
    telem_i_out_str(r->o, "null");
}

static size_t telem_i_row_print(const telem_schema *s, const void *row, uint32_t flags, int json, char *buf, size_t cap) {
    telem_i_out o = telem_i_out_begin(buf, cap);
    telem_i_rows r;
    telem_columns it;
    telem_column c;
    int event, muted = 0, level = 0; /* muted: inside an absent value, `level` structs deep */
    memset(&c, 0, sizeof c);
    memset(&r, 0, sizeof r);
    r.o = &o;
    r.row = (const uint8_t *)row;
    r.flags = flags;
    r.json = (uint8_t)json;
    if (json) telem_i_out_char(&o, '{');
    telem_columns_begin(&it, s);
    while ((event = telem_i_step(&it, &c)) != TELEM_I_END) {
        if (muted) {
            level += event == TELEM_I_OPEN ? 1 : event == TELEM_I_CLOSE ? -1 : 0;
            muted = level > 0;
        } else if (event != TELEM_I_PRESENCE) telem_i_row_event(&r, &it, &c, event);
        else if (!r.row[c.row]) {
            telem_i_row_absent(&r, &c);
            muted = 1;
        }
    }
    if (json) telem_i_out_char(&o, '}');
    return telem_i_out_end(&o);
}

TELEM_API size_t telem_row_print_text(const telem_schema *s, const void *row, uint32_t flags, char *buf, size_t cap) {
    return telem_i_row_print(s, row, flags, 0, buf, cap);
}
TELEM_API size_t telem_row_print_json(const telem_schema *s, const void *row, uint32_t flags, char *buf, size_t cap) {
    return telem_i_row_print(s, row, flags & ~TELEM_PRINT_UNITS, 1, buf, cap);
}

/* RFC 4180: a cell with a comma, quote or line end is quoted. A dry run into no buffer tells. */
static telem_i_out telem_i_dry_run(void) {
    telem_i_out o = telem_i_out_begin(NULL, 0);
    o.mode = TELEM_I_AS_CSV;
    return o;
}

static void telem_i_csv_cell(telem_i_out *o, const telem_column *c, const uint8_t *cell, uint32_t flags) {
    telem_i_out dry = telem_i_dry_run();
    double v = telem_i_is_float(c->type) ? telem_i_raw_number(c, cell) : 0.0;
    if (v != v) return; /* NaN: empty */
    if (c->type > TELEM_F64) telem_i_out_cell(&dry, c, cell, flags); /* a number is never special */
    if (dry.special) telem_i_out_quoted_cell(o, TELEM_I_AS_CSV, c, cell, flags);
    else telem_i_out_cell(o, c, cell, flags);
}

TELEM_API size_t telem_row_print_csv(const telem_schema *s, const void *row, uint32_t flags, char *buf, size_t cap) {
    telem_i_out o = telem_i_out_begin(buf, cap);
    telem_columns it;
    telem_column c;
    uint32_t i, comma = 0;
    for (telem_columns_begin(&it, s); telem_columns_next(&it, &c);) {
        if (c.presence) continue;
        for (i = 0; i < c.count; i++, comma = 1) {
            if (comma) telem_i_out_char(&o, ',');
            if (!telem_i_cell_absent(&c, row)) telem_i_csv_cell(&o, &c, telem_i_cell(&c, i, row), flags);
        }
    }
    return telem_i_out_end(&o);
}

static void telem_i_csv_title(telem_i_out *o, const telem_columns *it, const telem_column *c, uint32_t element, uint32_t flags) {
    const char *unit = telem_i_unit(c, flags);
    telem_i_out_path(o, it, c, element);
    if (!*unit) return;
    telem_i_out_char(o, '[');
    telem_i_out_str(o, unit);
    telem_i_out_char(o, ']');
}

static void telem_i_csv_name(telem_i_out *o, const telem_columns *it, const telem_column *c, uint32_t element, uint32_t flags) {
    telem_i_out dry = telem_i_dry_run();
    telem_i_csv_title(&dry, it, c, element, flags);
    if (dry.special) telem_i_out_char(o, '"');
    o->mode = TELEM_I_AS_CSV; /* doubles quotes, which are special */
    telem_i_csv_title(o, it, c, element, flags);
    o->mode = TELEM_I_AS_IS;
    if (dry.special) telem_i_out_char(o, '"');
}

TELEM_API size_t telem_schema_print_csv_header(const telem_schema *s, uint32_t flags, char *buf, size_t cap) {
    telem_i_out o = telem_i_out_begin(buf, cap);
    telem_columns it;
    telem_column c;
    uint32_t i, comma = 0;
    for (telem_columns_begin(&it, s); telem_columns_next(&it, &c);) {
        if (c.presence) continue;
        for (i = 0; i < c.count; i++, comma = 1) {
            if (comma) telem_i_out_char(&o, ',');
            telem_i_csv_name(&o, &it, &c, i, flags);
        }
    }
    return telem_i_out_end(&o);
}

/* >>builder: fields grow from the low end of the memory, texts and labels from the high end. */

static void *telem_i_builder_high(telem_schema_builder *b, size_t n, size_t align) {
    size_t waste = ((uintptr_t)b->high - n) & (align - 1);
    if (b->failed != TELEM_OK) return NULL;
    if ((size_t)(b->high - b->low) < n || (size_t)(b->high - b->low) - n < waste) {
        b->failed = TELEM_ERR_MEMORY;
        return NULL;
    }
    b->high -= n + waste;
    return b->high;
}

static const char *telem_i_builder_str(telem_schema_builder *b, const char *s) {
    size_t n = s ? telem_i_length(s) : 0;
    char *to;
    if (n == 0) return "";
    to = (char *)telem_i_builder_high(b, n + 1, 1);
    if (to) memcpy(to, s, n + 1);
    return to;
}

static const telem_label *telem_i_builder_labels(telem_schema_builder *b, const telem_field *f) {
    telem_label *to = (telem_label *)telem_i_builder_high(b, f->label_count * sizeof *to, 8);
    uint32_t i;
    for (i = 0; to && i < f->label_count; i++) {
        to[i].value = f->labels[i].value;
        to[i].name = telem_i_builder_str(b, f->labels[i].name);
    }
    return to;
}

/* Low end: n bytes, a multiple of 8 on 64-bit machines and enough aligned on all. */
static void *telem_i_builder_low(telem_schema_builder *b, size_t n) {
    void *p = b->low;
    if (b->failed == TELEM_OK && (size_t)(b->high - b->low) < n) b->failed = TELEM_ERR_MEMORY;
    if (b->failed != TELEM_OK) return NULL;
    b->low += n;
    return p;
}

TELEM_API telem_result telem_schema_builder_init(telem_schema_builder *b, void *memory, size_t memory_size, const char *name, const char *desc) {
    uint8_t *base = telem_i_align8(memory);
    memset(b, 0, sizeof *b);
    b->high = (uint8_t *)memory + memory_size;
    b->low = (size_t)(base - (uint8_t *)memory) < memory_size ? base : b->high;
    b->align = 1;
    if (!telem_i_name_ok(name, 1) || !telem_i_desc_ok(desc)) return b->failed = TELEM_ERR_ARG;
    b->schema = (telem_schema *)telem_i_builder_low(b, (sizeof(telem_schema) + 7u) / 8u * 8u);
    if (!b->schema) return b->failed;
    memset(b->schema, 0, sizeof *b->schema);
    b->schema->name = telem_i_builder_str(b, name);
    b->schema->desc = telem_i_builder_str(b, desc);
    b->fields = (telem_field *)(void *)b->low;
    b->schema->fields = b->fields;
    return b->failed;
}

/* Alignment of the C struct that a schema describes. */
static uint32_t telem_i_schema_align(const telem_schema *s) {
    uint32_t align = 1;
    telem_i_tree t;
    int event;
    telem_i_tree_begin(&t, s);
    while ((event = telem_i_tree_next(&t)) != TELEM_I_TREE_END && event != TELEM_I_TREE_DEEP)
        if (event == TELEM_I_TREE_FIELD && telem_i_value_align(t.f) > align) align = telem_i_value_align(t.f);
    return align;
}

static telem_result telem_i_builder_place(telem_schema_builder *b, telem_field *f) {
    telem_i_layout sum, inner;
    telem_result r = TELEM_OK;
    sum.row = b->row;
    sum.columns = b->columns;
    sum.size = b->size;
    sum.align = b->align;
    if (f->type == TELEM_STRUCT) {
        r = telem_i_measure(f->nested, &inner.columns, &inner.row);
        inner.size = f->nested->size;
        inner.align = telem_i_schema_align(f->nested);
    }
    if (r == TELEM_OK) r = telem_i_place(&sum, f, f->type == TELEM_STRUCT ? &inner : NULL);
    b->row = sum.row;
    b->columns = sum.columns;
    b->size = sum.size;
    b->align = sum.align;
    return r;
}

TELEM_API telem_result telem_schema_builder_add(telem_schema_builder *b, const telem_field *f) {
    telem_field *to;
    if (b->failed == TELEM_OK && telem_i_check_field(f)) b->failed = TELEM_ERR_ARG;
    if (b->failed == TELEM_OK && b->schema->field_count == 65535u) b->failed = TELEM_ERR_LIMIT;
    to = (telem_field *)telem_i_builder_low(b, sizeof *to);
    if (!to) return b->failed;
    *to = *f;
    to->name = telem_i_builder_str(b, f->name);
    to->unit = telem_i_builder_str(b, f->unit);
    to->desc = telem_i_builder_str(b, f->desc);
    to->aliases = telem_i_builder_str(b, f->aliases);
    to->def = telem_i_builder_str(b, f->def);
    to->labels = f->label_count ? telem_i_builder_labels(b, f) : NULL;
    to->reserved = 0;
    if (b->failed == TELEM_OK) b->failed = telem_i_builder_place(b, to);
    if (b->failed == TELEM_OK) b->schema->field_count++;
    return b->failed;
}

TELEM_API telem_result telem_schema_builder_version(telem_schema_builder *b, uint16_t major, uint16_t minor, uint16_t patch) {
    if (b->failed != TELEM_OK) return b->failed;
    b->schema->major = major;
    b->schema->minor = minor;
    b->schema->patch = patch;
    return TELEM_OK;
}

TELEM_API telem_result telem_schema_builder_finish(telem_schema_builder *b, const telem_schema **out) {
    if (b->failed != TELEM_OK) return b->failed;
    b->schema->size = telem_i_round_up(b->size, b->align);
    b->failed = telem_schema_check(b->schema, NULL);
    if (b->failed == TELEM_OK) *out = b->schema;
    return b->failed;
}

/* >>print */

static const char telem_i_flag_names[][12] = {"optional", "monotonic", "counter", "index", "volatile", "key"};

static const char *telem_i_type_name(uint8_t type) { /* in capitals */
#define TELEM_I_NAME(name, code, width) #name,
    static const char names[][8] = {"", TELEM_TYPES(TELEM_I_NAME)};
#undef TELEM_I_NAME
    return type <= TELEM_STRUCT ? names[type] : "";
}

static int telem_i_is_identifier_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || telem_i_is_digit(c);
}

static int telem_i_is_identifier(const char *s) {
    if (!*s || telem_i_is_digit(*s)) return 0;
    for (; *s; s++)
        if (!telem_i_is_identifier_char(*s)) return 0;
    return 1;
}

static void telem_i_out_string(telem_i_out *o, const char *s) {
    telem_i_out_char(o, '"');
    for (; *s; s++) {
        uint8_t c = (uint8_t)*s;
        if (c == '"' || c == '\\') telem_i_out_char(o, '\\');
        if (c >= 0x20u && c != 0x7Fu) telem_i_out_char(o, *s);
        else if (c == '\n' || c == '\r' || c == '\t') telem_i_out_str(o, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        else {
            telem_i_out_str(o, "\\x");
            telem_i_out_hex(o, &c, 1);
        }
    }
    telem_i_out_char(o, '"');
}

static void telem_i_out_name(telem_i_out *o, const char *s) {
    if (telem_i_is_identifier(s)) telem_i_out_str(o, s);
    else telem_i_out_string(o, s);
}

static void telem_i_out_indent(telem_i_out *o, unsigned depth) {
    for (depth++; depth > 0; depth--) telem_i_out_str(o, "    ");
}

/* " word "text""; nothing for no text */
static void telem_i_out_attribute(telem_i_out *o, const char *word, const char *text) {
    if (!text || !*text) return;
    telem_i_out_str(o, word);
    telem_i_out_string(o, text);
}

static void telem_i_out_real(telem_i_out *o, const char *word, double v) {
    telem_i_out_str(o, word);
    telem_i_out_float(o, &telem_i_f64, telem_i_f64_bits(v));
}

static void telem_i_print_labels(telem_i_out *o, const telem_field *f) {
    uint32_t i;
    telem_i_out_str(o, " {");
    for (i = 0; i < f->label_count; i++) {
        if (i) telem_i_out_str(o, ", ");
        telem_i_out_name(o, f->labels[i].name);
        telem_i_out_str(o, " = ");
        telem_i_out_u64(o, f->labels[i].value);
    }
    telem_i_out_char(o, '}');
}

/* Flags and type: what stands before the name. */
static void telem_i_print_type(telem_i_out *o, const telem_field *f) {
    const char *name = telem_i_type_name(f->type);
    unsigned i;
    for (i = 0; i < 6; i++) {
        if (!(f->flags >> i & 1u)) continue;
        telem_i_out_str(o, telem_i_flag_names[i]);
        telem_i_out_char(o, ' ');
    }
    for (; *name; name++) telem_i_out_char(o, telem_i_lower(*name));
    if (telem_i_is_labelled(f->type)) telem_i_print_labels(o, f);
    if (!telem_i_is_sized(f->type)) return;
    telem_i_out_char(o, '(');
    telem_i_out_u64(o, f->size);
    telem_i_out_char(o, ')');
}

/* Name and what follows it. */
static void telem_i_print_tail(telem_i_out *o, const telem_field *f) {
    telem_i_out_char(o, ' ');
    telem_i_out_name(o, f->name);
    if (f->count) telem_i_out_index(o, f->count);
    if (f->unit && *f->unit) {
        telem_i_out_str(o, " unit ");
        telem_i_out_name(o, f->unit);
    }
    if (f->scale != 0.0 && f->scale != 1.0) telem_i_out_real(o, " scale ", f->scale);
    if (f->bias != 0.0) telem_i_out_real(o, " bias ", f->bias);
    if (f->decimals) {
        telem_i_out_str(o, " decimals ");
        telem_i_out_u64(o, f->decimals - 1u);
    }
    telem_i_out_attribute(o, " default ", f->def);
    telem_i_out_attribute(o, " aliases ", f->aliases);
    telem_i_out_attribute(o, " ", f->desc);
    telem_i_out_str(o, ";\n");
}

static void telem_i_print_head(telem_i_out *o, const telem_schema *s) {
    telem_i_out_str(o, "schema ");
    telem_i_out_name(o, s->name);
    telem_i_out_char(o, ' ');
    telem_i_out_u64(o, s->major);
    telem_i_out_char(o, '.');
    telem_i_out_u64(o, s->minor);
    telem_i_out_char(o, '.');
    telem_i_out_u64(o, s->patch);
    telem_i_out_attribute(o, " ", s->desc);
    telem_i_out_str(o, " {\n");
}

TELEM_API size_t telem_schema_print(const telem_schema *s, char *buf, size_t cap) {
    telem_i_out o = telem_i_out_begin(buf, cap);
    telem_i_tree t;
    int event;
    telem_i_print_head(&o, s);
    telem_i_tree_begin(&t, s);
    while ((event = telem_i_tree_next(&t)) != TELEM_I_TREE_END && event != TELEM_I_TREE_DEEP) {
        telem_i_out_indent(&o, t.depth);
        if (event == TELEM_I_TREE_FIELD) telem_i_print_type(&o, t.f);
        else telem_i_out_char(&o, '}');
        if (event == TELEM_I_TREE_FIELD && t.enter) {
            telem_i_out_char(&o, ' ');
            telem_i_out_name(&o, t.f->nested->name);
            telem_i_out_str(&o, " {\n");
        } else telem_i_print_tail(&o, t.f);
    }
    telem_i_out_str(&o, "}\n");
    return telem_i_out_end(&o);
}

/* >>parse: like decode, one pass that counts without memory and builds with it. */

/* The next character that is not space or comment; 0 at the end. */
static char telem_i_peek(telem_i_in *in) {
    for (; in->pos < in->end; in->pos++) {
        char c = (char)in->p[in->pos];
        if (c == '#')
            while (in->pos + 1 < in->end && in->p[in->pos + 1] != '\n') in->pos++;
        else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return c;
    }
    return 0;
}

static int telem_i_accept(telem_i_in *in, char c) {
    if (in->code != TELEM_OK || telem_i_peek(in) != c) return 0;
    in->pos++;
    return 1;
}

static void telem_i_expect(telem_i_in *in, char c, const char *what) {
    if (!telem_i_accept(in, c)) telem_i_in_fail(in, TELEM_ERR_SYNTAX, in->pos, what);
}

/* Letters, digits and _; n is 0 when there are none. */
static telem_i_str telem_i_word(telem_i_in *in) {
    telem_i_str w;
    (void)telem_i_peek(in);
    w.p = (const char *)in->p + in->pos;
    w.n = 0;
    while (in->pos + w.n < in->end && telem_i_is_identifier_char(w.p[w.n])) w.n++;
    in->pos += w.n;
    return w;
}

static int telem_i_is_word(telem_i_str w, const char *word) {
    return w.n > 0 && telem_i_length(word) == w.n && memcmp(w.p, word, w.n) == 0;
}

static uint64_t telem_i_text_number(telem_i_in *in, uint64_t min, uint64_t max) {
    telem_i_str w;
    uint64_t v = 0;
    size_t at;
    (void)telem_i_peek(in);
    at = in->pos;
    w = telem_i_word(in);
    if (telem_i_parse_magnitude(w.p, w.n, &v) == TELEM_ERR_SYNTAX) telem_i_in_fail(in, TELEM_ERR_SYNTAX, at, "a number is missing");
    else if (v < min || v > max || w.n > 20) telem_i_in_fail(in, TELEM_ERR_RANGE, at, "number out of range");
    return v;
}

static double telem_i_text_real(telem_i_in *in) {
    const char *p;
    size_t at, n = 0;
    double v = 0.0;
    telem_result r;
    (void)telem_i_peek(in);
    at = in->pos;
    p = (const char *)in->p + at;
    while (at + n < in->end && (telem_i_is_identifier_char(p[n]) || p[n] == '+' || p[n] == '-' || p[n] == '.')) n++;
    in->pos += n;
    r = telem_parse_f64(p, n, &v);
    if (r != TELEM_OK) telem_i_in_fail(in, r, at, "a number is missing or out of range");
    return v;
}

/* One character of a string, escapes resolved; -1 at the closing quote or on failure. */
static int telem_i_text_char(telem_i_in *in) {
    uint8_t c = in->pos < in->end ? in->p[in->pos] : 0;
    const uint8_t *p = in->p + in->pos;
    size_t left = in->end - in->pos;
    int value;
    if (left == 0) telem_i_in_fail(in, TELEM_ERR_SYNTAX, in->pos, "the string does not end");
    if (in->code != TELEM_OK || c == '"') return -1;
    in->pos++;
    if (c != '\\') return c;
    c = left > 1 ? p[1] : 0;
    in->pos++;
    value = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c == '"' || c == '\\' ? (int)c : -1;
    if (c == 'x' && left > 3 && telem_i_hex((char)p[2]) >= 0 && telem_i_hex((char)p[3]) >= 0) {
        value = telem_i_hex((char)p[2]) * 16 + telem_i_hex((char)p[3]);
        in->pos += 2;
    }
    if (value < 0) {
        in->pos -= 2;
        telem_i_in_fail(in, TELEM_ERR_SYNTAX, in->pos, "unknown escape in a string");
    }
    return value;
}

/* A string behind its opening quote, into the arena. */
static const char *telem_i_text_string(telem_i_in *in, telem_i_arena *a, size_t min, size_t max) {
    size_t start = in->pos, n = 0;
    char *to;
    int c;
    while ((c = telem_i_text_char(in)) >= 0) {
        n++;
        if (c == 0 || (max == TELEM_MAX_NAME && (c < 0x20 || c == 0x7F))) telem_i_in_fail(in, TELEM_ERR_ARG, start, "control character in a name or NUL in a text");
        if (n > max) telem_i_in_fail(in, TELEM_ERR_LIMIT, start, "text too long");
    }
    if (n < min) telem_i_in_fail(in, TELEM_ERR_ARG, start, "empty name");
    if (in->code != TELEM_OK) return NULL;
    if (n > 0) {
        to = (char *)telem_i_alloc(a, n + 1, 1);
        if (to) {
            in->pos = start;
            while ((c = telem_i_text_char(in)) >= 0) *to++ = (char)c;
            *to = 0;
            to -= n;
        }
    } else to = NULL;
    in->pos++; /* the closing quote */
    return n > 0 ? to : "";
}

static const char *telem_i_text_name(telem_i_in *in, telem_i_arena *a, size_t min) {
    telem_i_str w;
    size_t at;
    if (telem_i_accept(in, '"')) return telem_i_text_string(in, a, min, TELEM_MAX_NAME);
    at = in->pos;
    w = telem_i_word(in);
    if (w.n == 0 || telem_i_is_digit(w.p[0])) telem_i_in_fail(in, TELEM_ERR_SYNTAX, at, "a name is missing");
    else if (w.n > TELEM_MAX_NAME) telem_i_in_fail(in, TELEM_ERR_LIMIT, at, "name too long");
    return in->code == TELEM_OK ? telem_i_alloc_str(a, w.p, w.n) : NULL;
}

static const char *telem_i_text_quoted(telem_i_in *in, telem_i_arena *a) {
    telem_i_expect(in, '"', "a string is missing");
    return in->code == TELEM_OK ? telem_i_text_string(in, a, 0, TELEM_MAX_DESC) : NULL;
}

/* How often `mark` stands in the body at `pos`, outside of strings, comments and inner braces. */
static uint64_t telem_i_count_marks(const telem_i_in *in, char mark) {
    telem_i_in at = *in;
    uint64_t count = 0;
    int depth = 0;
    char c;
    for (; (c = telem_i_peek(&at)) != 0 && (depth > 0 || c != '}'); at.pos++) {
        depth += c == '{' ? 1 : c == '}' ? -1 : 0;
        count += depth == 0 && c == mark ? 1u : 0u;
        if (c != '"') continue;
        for (at.pos++; at.pos < at.end && at.p[at.pos] != '"'; at.pos++)
            if (at.p[at.pos] == '\\') at.pos++;
    }
    return count;
}

static void telem_i_text_labels(telem_i_in *in, telem_field *f, telem_i_arena *a) {
    uint64_t count;
    uint32_t i;
    telem_label *labels;
    telem_i_expect(in, '{', "labels in braces are missing");
    if (in->code != TELEM_OK || telem_i_accept(in, '}')) return;
    count = telem_i_count_marks(in, ',') + 1;
    if (count > 65535u) telem_i_in_fail(in, TELEM_ERR_LIMIT, in->pos, "too many labels");
    if (in->code != TELEM_OK) return;
    f->label_count = (uint16_t)count;
    labels = (telem_label *)telem_i_alloc(a, f->label_count * sizeof(telem_label), 8);
    f->labels = labels;
    for (i = 0; i < count && in->code == TELEM_OK; i++) {
        const char *name = telem_i_text_name(in, a, 1);
        uint64_t value;
        telem_i_expect(in, '=', "= is missing behind a label");
        value = telem_i_text_number(in, 0, 0xFFFFFFFFu);
        if (in->code == TELEM_OK && !telem_i_label_fits(f->type, value)) telem_i_in_fail(in, TELEM_ERR_RANGE, in->pos, "label value does not fit");
        if (i + 1 < count) telem_i_expect(in, ',', "a comma is missing between labels");
        if (!labels) continue;
        labels[i].name = name;
        labels[i].value = (uint32_t)value;
    }
    telem_i_expect(in, '}', "} is missing behind the labels");
}

static uint8_t telem_i_type_of(telem_i_str w) {
    uint8_t type;
    size_t i;
    for (type = TELEM_BOOL; type <= TELEM_STRUCT; type++) {
        const char *name = telem_i_type_name(type);
        if (telem_i_length(name) != w.n) continue;
        for (i = 0; i < w.n && telem_i_lower(name[i]) == w.p[i]; i++) {}
        if (i == w.n) return type;
    }
    return 0;
}

/* Flags and type: what stands before the name. */
static void telem_i_text_type(telem_i_in *in, telem_field *f, telem_i_arena *a) {
    unsigned i = 0;
    telem_i_str w;
    size_t at;
    do {
        (void)telem_i_peek(in);
        at = in->pos;
        w = telem_i_word(in);
        for (i = 0; i < 6 && !telem_i_is_word(w, telem_i_flag_names[i]); i++) {}
        if (i < 6 && (f->flags >> i & 1u)) telem_i_in_fail(in, TELEM_ERR_SYNTAX, at, "the flag stands twice");
        if (i < 6) f->flags = (uint8_t)(f->flags | 1u << i);
    } while (i < 6 && in->code == TELEM_OK);
    f->type = telem_i_type_of(w);
    if (f->type == 0) telem_i_in_fail(in, TELEM_ERR_SYNTAX, at, "unknown type");
    if (in->code != TELEM_OK) return;
    if (telem_i_is_labelled(f->type)) telem_i_text_labels(in, f, a);
    if (!telem_i_is_sized(f->type)) return;
    telem_i_expect(in, '(', "the size in parentheses is missing");
    f->size = (uint32_t)telem_i_text_number(in, 1, TELEM_MAX_ROW);
    telem_i_expect(in, ')', ") is missing behind the size");
}

/* One attribute; its number, or -1 when there is none. */
static int telem_i_text_attribute(telem_i_in *in, telem_field *f, telem_i_arena *a) {
    static const char words[][12] = {"unit", "scale", "bias", "decimals", "default", "aliases"};
    telem_i_str w = telem_i_word(in);
    int i;
    for (i = 0; i < 6 && !telem_i_is_word(w, words[i]); i++) {}
    switch (i) {
    case 0: f->unit = telem_i_text_name(in, a, 0); break;
    case 1: f->scale = telem_i_text_real(in); break;
    case 2: f->bias = telem_i_text_real(in); break;
    case 3: f->decimals = (uint8_t)(telem_i_text_number(in, 0, TELEM_I_MAX_DECIMALS - 1) + 1); break;
    case 4: f->def = telem_i_text_quoted(in, a); break;
    case 5: f->aliases = telem_i_text_quoted(in, a); break;
    default: in->pos -= w.n; return -1;
    }
    return i;
}

/* The name and all behind it. */
static void telem_i_text_tail(telem_i_in *in, telem_field *f, telem_i_arena *a) {
    unsigned seen = 0;
    size_t at = in->pos;
    const char *bad;
    int i;
    f->unit = f->desc = f->aliases = f->def = "";
    f->name = telem_i_text_name(in, a, 1);
    if (telem_i_accept(in, '[')) {
        f->count = (uint16_t)telem_i_text_number(in, 1, 65535u);
        telem_i_expect(in, ']', "] is missing");
    }
    while (in->code == TELEM_OK && (i = telem_i_text_attribute(in, f, a)) >= 0) {
        if (seen >> i & 1u) telem_i_in_fail(in, TELEM_ERR_SYNTAX, in->pos, "the attribute stands twice");
        seen |= 1u << i;
    }
    if (telem_i_accept(in, '"')) f->desc = telem_i_text_string(in, a, 0, TELEM_MAX_DESC);
    telem_i_expect(in, ';', "; is missing behind a field");
    bad = telem_i_check_shape(f);
    if (bad) telem_i_in_fail(in, TELEM_ERR_ARG, at, bad);
    else if ((seen & 2u) && f->scale == 0.0) telem_i_in_fail(in, TELEM_ERR_ARG, at, "scale is 0");
}

/* The body's fields are counted before they are read: their array must lie in one piece. */
static void telem_i_text_body(telem_i_in *in, telem_i_level *l, telem_i_arena *a, const char *name, uint64_t min) {
    uint64_t count;
    telem_i_expect(in, '{', "{ is missing");
    if (in->code != TELEM_OK) return;
    count = telem_i_count_marks(in, ';');
    if (count > 65535u) telem_i_in_fail(in, TELEM_ERR_LIMIT, in->pos, "too many fields");
    else if (count < min) telem_i_in_fail(in, TELEM_ERR_ARG, in->pos, "struct without fields");
    else telem_i_level_open(l, a, (uint32_t)count, name);
}

static void telem_i_text_version(telem_i_in *in, uint16_t *version) {
    int i;
    version[0] = version[1] = version[2] = 0;
    if (in->code != TELEM_OK || !telem_i_is_digit(telem_i_peek(in))) return;
    for (i = 0; i < 3; i++) {
        if (i) telem_i_expect(in, '.', "a version has three numbers");
        version[i] = (uint16_t)telem_i_text_number(in, 0, 65535u);
    }
}

static void telem_i_text_head(telem_i_in *in, telem_i_level *l, telem_i_arena *a) {
    const char *name, *desc = "";
    uint16_t version[3];
    (void)telem_i_peek(in);
    if (!telem_i_is_word(telem_i_word(in), "schema")) telem_i_in_fail(in, TELEM_ERR_SYNTAX, 0, "a schema begins with the word schema");
    name = telem_i_text_name(in, a, 1);
    telem_i_text_version(in, version);
    if (telem_i_accept(in, '"')) desc = telem_i_text_string(in, a, 0, TELEM_MAX_DESC);
    telem_i_text_body(in, l, a, name, 0);
    if (in->code != TELEM_OK || !l->schema) return;
    l->schema->desc = desc;
    l->schema->major = version[0];
    l->schema->minor = version[1];
    l->schema->patch = version[2];
}

/* One field, or the head of a struct, whose members come next in a level of their own. */
static telem_result telem_i_text_field(telem_i_in *in, telem_i_level *level, uint32_t *depth, telem_i_arena *a) {
    telem_i_level *l = &level[*depth];
    telem_field f;
    memset(&f, 0, sizeof f);
    telem_i_text_type(in, &f, a);
    if (in->code != TELEM_OK) return TELEM_OK;
    if (f.type == TELEM_STRUCT) {
        if (*depth + 1 == TELEM_MAX_DEPTH) return TELEM_ERR_LIMIT;
        l->struct_flags = f.flags;
        telem_i_text_body(in, l + 1, a, telem_i_text_name(in, a, 1), 1);
        ++*depth;
        return TELEM_OK;
    }
    telem_i_text_tail(in, &f, a);
    if (l->next == l->count) telem_i_in_fail(in, TELEM_ERR_SYNTAX, in->pos, "} is missing");
    return in->code == TELEM_OK ? telem_i_level_add(l, &f, NULL) : TELEM_OK;
}

/* "}" of a struct: back in the level around it. */
static telem_result telem_i_text_close(telem_i_in *in, telem_i_level *l, telem_i_arena *a) {
    telem_field f;
    memset(&f, 0, sizeof f);
    f.type = TELEM_STRUCT;
    f.flags = l->struct_flags;
    f.nested = l[1].schema;
    telem_i_level_close(l + 1);
    telem_i_text_tail(in, &f, a);
    if (l->next == l->count) telem_i_in_fail(in, TELEM_ERR_SYNTAX, in->pos, "} is missing");
    return in->code == TELEM_OK ? telem_i_level_add(l, &f, &l[1].sum) : TELEM_OK;
}

static telem_result telem_i_parse(const char *text, size_t n, telem_i_arena *a, const telem_schema **out, telem_error *err) {
    telem_i_level level[TELEM_MAX_DEPTH];
    uint32_t depth = 0;
    telem_i_in in;
    memset(&in, 0, sizeof in);
    in.p = (const uint8_t *)text;
    in.end = n;
    if (n > TELEM_MAX_ROW) telem_i_in_fail(&in, TELEM_ERR_LIMIT, 0, "text over 16 MiB");
    telem_i_text_head(&in, &level[0], a);
    while (in.code == TELEM_OK) {
        telem_result r = TELEM_OK;
        size_t at = in.pos;
        if (!telem_i_accept(&in, '}')) r = telem_i_text_field(&in, level, &depth, a);
        else if (level[depth].next != level[depth].count) telem_i_in_fail(&in, TELEM_ERR_SYNTAX, at, "; is missing behind a field");
        else if (depth == 0) break;
        else r = telem_i_text_close(&in, &level[--depth], a);
        if (r != TELEM_OK) telem_i_in_fail(&in, r, at, "too many columns, row too large or nested too deeply");
    }
    if (in.code == TELEM_OK && telem_i_peek(&in)) telem_i_in_fail(&in, TELEM_ERR_SYNTAX, in.pos, "text behind the schema");
    if (in.code != TELEM_OK) return telem_i_fail(err, in.code, in.at, in.what);
    telem_i_level_close(&level[0]);
    if (level[0].schema && telem_i_encoding_size(level[0].schema) < 0) return telem_i_fail(err, TELEM_ERR_LIMIT, n, "encoding over 1 MiB");
    if (out) *out = level[0].schema;
    return TELEM_OK;
}

TELEM_API int64_t telem_schema_parse_bytes(const char *text, size_t n, telem_error *err) {
    telem_i_arena a = TELEM_ZERO;
    telem_result r = telem_i_parse(text, n, &a, NULL, err);
    return r == TELEM_OK ? (int64_t)(a.used + 7u) : (int64_t)r;
}

TELEM_API telem_result telem_schema_parse(const char *text, size_t n, void *memory, size_t memory_size, const telem_schema **out, telem_error *err) {
    telem_i_arena a = TELEM_ZERO;
    int64_t need = telem_schema_parse_bytes(text, n, err);
    if (need < 0) return (telem_result)need;
    if ((uint64_t)need > memory_size) return telem_i_fail(err, TELEM_ERR_MEMORY, 0, "memory too small");
    a.size = memory_size;
    a.base = telem_i_align8(memory);
    return telem_i_parse(text, n, &a, out, err);
}

#endif /* TELEM_IMPLEMENTATION */

/*  MIT License

    Copyright (c) 2026 the telem authors

    Permission is hereby granted, free of charge, to any person obtaining a copy of this software
    and associated documentation files (the "Software"), to deal in the Software without
    restriction, including without limitation the rights to use, copy, modify, merge, publish,
    distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
    Software is furnished to do so, subject to the following conditions:

    The above copyright notice and this permission notice shall be included in all copies or
    substantial portions of the Software.

    THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING
    BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
    NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
    DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
    OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE. */
