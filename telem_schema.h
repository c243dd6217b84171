/* telem_schema.h - v0.1 - what a record is: fields, units, encoding, text - C99 and C++11 - MIT (end of file)

   USE
       In ONE .c (or .cc) file: #define TELEM_IMPLEMENTATION, then #include "telem_schema.h".
       Everywhere else include it without the define. Needs telem.h beside it and, where the
       implementation is compiled, xxhash.h (header-only; the distribution's package, or the
       upstream file dropped beside this one). No malloc, no stdio, no locale, no recursion; of
       libc only memcpy, memmove, memset, memcmp, strlen.

   QUICK START (examples/schema_hello.c is the whole program)

       TELEM_LABELS(mode_labels, {0, "DISARMED"}, {1, "ARMED"});
       #define IMU_TABLE(F)                                             \
           F(FIELD,  f32, ax, "m/s^2", "acceleration forward")          \
           F(SCALED, i16, gx, "deg/s", 0.061, 0.0, "gyro, raw counts")  \
           F(ENUM,   u8, mode, mode_labels, "flight mode")
       TELEM_DEFINE(Imu, IMU_TABLE, "inertial unit")       // struct Imu and Imu_schema

       Imu r = TELEM_ZERO;
       uint8_t row[64];                                    // telem_schema_row_size() bytes or more
       char line[200];
       r.ax = 1.5f; r.gx = 100; r.mode = 1;
       telem_schema_pack(&Imu_schema, &r, row);
       telem_row_print_text(&Imu_schema, row, TELEM_PRINT_UNITS, line, sizeof line);
       puts(line);                                         // ax=1.5m/s^2 gx=6.1deg/s mode=ARMED

   CONCEPTS
       A SCHEMA is a named list of fields. A field is a scalar, a text, or a struct of fields, or a
       fixed array of one of these; any of them may be optional. A RECORD is the C struct, laid
       out by the compiler. A ROW is the same record in the row form below: the bytes that files,
       hashes and codecs work on, the same on every machine. A COLUMN is one leaf of the schema
       with everything unfolded: each array element is a column, and each presence byte too.

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
       - Stack: below 1.5 KB in any call (the exact number conversions and the decoder; others
         below 600 bytes).
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

/* TELEM_LABELS(mode_labels, {0, "DISARMED"}, {1, "ARMED"}); */
#define TELEM_LABELS(name, ...) TELEM_UNUSED static const telem_label name[] = {__VA_ARGS__}

/* A struct that exists. The compiler refuses a member whose size, signedness or kind (integer,
   float) is not the declared one: "size of array is negative" at that member (gcc and clang;
   other compilers compare the size only).

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
    TELEM_I_OF(S, m, TELEM_I_SAME_SIZE(S, m, width)), \
        TELEM_I_LABELLED(m, 0, desc, labels, TELEM_I_WE_##width, 0)
#define TELEM_MEMBER_BITS(S, m, width, labels, desc) \
    TELEM_I_OF(S, m, TELEM_I_SAME_SIZE(S, m, width)), \
        TELEM_I_LABELLED(m, 0, desc, labels, TELEM_I_WB_##width, 0)
#define TELEM_MEMBER_CHARS(S, m, desc) \
    TELEM_I_OF(S, m, 0), TELEM_I_SIZED(m, 0, desc, sizeof(((S *)0)->m), TELEM_CHARS, 0)
#define TELEM_MEMBER_BYTES(S, m, desc) \
    TELEM_I_OF(S, m, 0), TELEM_I_SIZED(m, 0, desc, sizeof(((S *)0)->m), TELEM_BYTES, 0)
/* m: struct { uint32_t len; char data[size]; }, or with uint8_t */
#define TELEM_MEMBER_STRING(S, m, desc) \
    TELEM_I_OF(S, m, 0), TELEM_I_SIZED(m, 0, desc, sizeof(((S *)0)->m.data), TELEM_STRING, 0)
#define TELEM_MEMBER_BLOB(S, m, desc) \
    TELEM_I_OF(S, m, 0), TELEM_I_SIZED(m, 0, desc, sizeof(((S *)0)->m.data), TELEM_BLOB, 0)
/* schema: the telem_schema object of the member's own type */
#define TELEM_MEMBER_STRUCT(S, m, schema, desc) \
    TELEM_I_OF(S, m, 0), TELEM_I_NESTED(m, 0, desc, schema, 0, 0, 0)
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
#define TELEM_I_IS_REAL(T) ((T)0.5 == 0.5)
#define TELEM_I_IS_SIGNED(T) ((T)-1 < (T)1)
#else /* C wants an integer constant expression: a float must not even be compared */
#define TELEM_I_IS_REAL(T) \
    (__builtin_types_compatible_p(T, float) || __builtin_types_compatible_p(T, double))
#define TELEM_I_INTEGER(T) __typeof__(__builtin_choose_expr(TELEM_I_IS_REAL(T), 0, (T)0))
#define TELEM_I_IS_SIGNED(T) ((TELEM_I_INTEGER(T)) - 1 < (TELEM_I_INTEGER(T))1)
#endif
#define TELEM_I_AGREE(S, m, type) \
    TELEM_I_MUST(sizeof(((S *)0)->m) == sizeof(TELEM_I_C_##type) && \
                 TELEM_I_IS_REAL(__typeof__(((S *)0)->m)) == TELEM_I_IS_REAL(TELEM_I_C_##type) && \
                 TELEM_I_IS_SIGNED(__typeof__(((S *)0)->m)) == TELEM_I_IS_SIGNED(TELEM_I_C_##type))
#else
#define TELEM_I_AGREE(S, m, type) TELEM_I_SAME_SIZE(S, m, type)
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
   go). C offsets as this compiler would lay out a struct of the same members in the same order,
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
/* Builds the schema in `memory` as decode does. ERR_SYNTAX, ERR_RANGE, ERR_LIMIT, ERR_ARG,
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
