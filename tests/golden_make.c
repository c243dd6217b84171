/* golden_make.c - writes golden streams byte by byte from the text of the format (the manual of
   telem_file.h; the numbers below are its sections), without the library: so the reader is tested
   on bytes that its own writer never made. Included by test_golden.c; knows nothing of telem.

   Each maker assembles one stream and notes what a reader has to report about it: damage_at().
   The hex in the makers is the payload as the text describes it, token by token. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

/* ------------------------------------------------------------------------------ bytes ---- */

typedef struct g_buf {
    uint8_t *p;
    size_t n, cap;
} g_buf;

static void g_raw(g_buf *b, const void *p, size_t n) {
    if (b->n + n > b->cap) b->p = (uint8_t *)realloc(b->p, b->cap = (b->n + n) * 2 + 64);
    if (n) memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void g_u8(g_buf *b, unsigned v) {
    uint8_t byte = (uint8_t)v;
    g_raw(b, &byte, 1);
}

static void g_fill(g_buf *b, unsigned v, size_t n) {
    while (n--) g_u8(b, v);
}

static void g_le(g_buf *b, uint64_t v, int bytes) {
    for (; bytes--; v >>= 8) g_u8(b, (unsigned)(v & 255));
}

static void g_var(g_buf *b, uint64_t v) {
    for (; v >= 128; v >>= 7) g_u8(b, (unsigned)(v & 127) | 128u);
    g_u8(b, (unsigned)v);
}

static uint64_t g_zigzag(int64_t v) { return v < 0 ? ~((uint64_t)v << 1) : (uint64_t)v << 1; }

static void g_svar(g_buf *b, int64_t v) { g_var(b, g_zigzag(v)); }

static void g_str(g_buf *b, const char *s) {
    g_var(b, strlen(s));
    g_raw(b, s, strlen(s));
}

static void g_hex(g_buf *b, const char *s) { /* "0a ff", spaces free */
    for (; *s; s++) {
        char two[3] = {0, 0, 0};
        if (*s == ' ') continue;
        two[0] = s[0], two[1] = s[1], s++;
        g_u8(b, (unsigned)strtoul(two, NULL, 16));
    }
}

static void g_free(g_buf *b) {
    free(b->p);
    memset(b, 0, sizeof *b);
}

/* ------------------------------------------------------------- a stream in the making ---- */

enum { G_DISK = 0, G_WIRE = 1 };
enum { G_SCHEMA = 1, G_ROWS, G_COLUMNS, G_MINI, G_LOSS, G_SYNC, G_METADATA, G_ANNOTATION,
       G_ATTACHMENT, G_CLOCK, G_INDEX, G_END, G_CHAIN, G_LZ4 = 32, G_KEY = 64, G_SKIP = 128 };
enum { G_BOOL = 1, G_U8, G_U16, G_U32, G_U64, G_I8, G_I16, G_I32, G_I64, G_F16, G_BF16, G_F32,
       G_F64, G_ENUM8, G_ENUM16, G_ENUM32, G_BITS8, G_BITS16, G_BITS32, G_CHARS, G_BYTES, G_STRING,
       G_BLOB, G_STRUCT };
enum { G_TIMES = 1, G_DISORDER = 2, G_ALL_PRESENT = 4 };

typedef struct g_make {
    g_buf out;
    g_buf expect;         /* text: "CORRUPT 104+40, " */
    /* of the session's header, section 3; set before header() */
    uint64_t session, sequence, previous, journal, max_age;
    uint32_t opening;
    uint32_t incompatible, compatible, read_only, max_block, max_row, max_streams, max_columns,
        file_number;
    int64_t created;
    unsigned major, minor, profile, align, hash;
    size_t header_size;
    uint32_t S;
    /* of the block in the making: fields behind seq and len, payload */
    g_buf fields, payload;
    uint64_t seq;
    unsigned kind;
    size_t at;            /* where the last header or block begins */
    /* how the next block goes wrong; reset by block_end */
    struct {
        unsigned header_check, payload_check, pad, raw_fields;
        int has_len;
        uint64_t len;
        uint32_t S; /* another session's */
    } tweak;
    uint64_t fingerprint[16], key_seq[16]; /* by stream id */
    size_t schema_at[16];
} g_make;

static void g_init(g_make *m) {
    memset(m, 0, sizeof *m);
    m->session = 0x1122334455667788u;
    m->major = 1, m->align = 3, m->hash = 2, m->header_size = 104;
    m->max_block = 65536, m->max_row = 4096, m->max_streams = 16, m->max_columns = 1000;
    m->max_age = 1000000000u;
}

static void damage(g_make *m, const char *code, size_t at, size_t bytes) {
    char line[80];
    int n = snprintf(line, sizeof line, "%s%s %lu+%lu", m->expect.n ? ", " : "", code,
                     (unsigned long)at, (unsigned long)bytes);
    g_raw(&m->expect, line, (size_t)n);
}

static void damage_last(g_make *m, const char *code) { damage(m, code, m->at, m->out.n - m->at); }

static void session_seed(g_make *m) { /* S, section 4 */
    uint8_t id[8];
    int i;
    for (i = 0; i < 8; i++) id[i] = (uint8_t)(m->session >> 8 * i);
    m->S = XXH32(id, 8, 0);
}

static void header(g_make *m) { /* section 3 */
    g_buf h = {NULL, 0, 0};
    g_hex(&h, "89 54 4C 4D 0D 0A 1A 0A");
    g_u8(&h, m->major), g_u8(&h, m->minor), g_le(&h, m->header_size, 2);
    g_u8(&h, m->profile), g_u8(&h, m->align), g_u8(&h, 1), g_u8(&h, m->hash);
    g_le(&h, m->session, 8);
    g_le(&h, m->incompatible, 4), g_le(&h, m->compatible, 4), g_le(&h, m->read_only, 4);
    g_le(&h, m->max_block, 4), g_le(&h, m->max_row, 4), g_le(&h, m->max_streams, 4);
    g_le(&h, m->max_columns, 4), g_le(&h, m->file_number, 4);
    g_le(&h, m->max_age, 8), g_le(&h, m->sequence, 8), g_le(&h, m->previous, 8);
    g_le(&h, (uint64_t)m->created, 8), g_le(&h, m->journal, 8), g_le(&h, 0, 4);
    while (h.n < m->header_size - 4) g_u8(&h, 0xA5); /* what a later minor may add */
    g_le(&h, XXH32(h.p, h.n, 0), 4);
    m->at = m->out.n;
    g_raw(&m->out, h.p, h.n);
    g_free(&h);
    session_seed(m);
}

static void block(g_make *m, unsigned kind) {
    m->kind = kind;
    m->fields.n = m->payload.n = 0;
}

static void pad(g_make *m, unsigned value) {
    while ((m->out.n - m->at) % ((size_t)1 << m->align)) g_u8(&m->out, value);
}

/* One byte of all payloads of a stream changed before the checks are made over it: what
   only a broken writer does. at counts down; SIZE_MAX: none. */
static struct {
    size_t at;
    unsigned bits;
} g_change = {SIZE_MAX, 0};

static void g_change_buf(g_buf *b) {
    if (g_change.at < b->n) b->p[g_change.at] ^= (uint8_t)g_change.bits;
    if (g_change.at != SIZE_MAX) g_change.at = g_change.at < b->n ? SIZE_MAX : g_change.at - b->n;
}

static void block_end(g_make *m) { /* section 4 */
    g_buf f = {NULL, 0, 0};
    int wire = m->profile == G_WIRE;
    uint32_t H;
    m->at = m->out.n;
    if (m->kind == G_SCHEMA) m->schema_at[m->fields.p[0] & 15] = m->at;
    if (!m->tweak.raw_fields)
        g_var(&f, m->seq), g_var(&f, m->tweak.has_len ? m->tweak.len : m->payload.n);
    g_change_buf(&m->payload);
    g_raw(&f, m->fields.p, m->fields.n);
    g_hex(&m->out, wire ? "D754" : "D7544C4D");
    g_u8(&m->out, m->kind), g_u8(&m->out, (unsigned)f.n);
    g_raw(&m->out, f.p, f.n);
    H = XXH32(m->out.p + m->at, m->out.n - m->at, m->tweak.S ? m->tweak.S : m->S);
    g_le(&m->out, H ^ m->tweak.header_check, wire ? 2 : 4);
    pad(m, 0);
    g_raw(&m->out, m->payload.p, m->payload.n);
    g_le(&m->out, (m->hash == 1 ? XXH32(m->payload.p, m->payload.n, H)
                                : (uint32_t)XXH3_64bits_withSeed(m->payload.p, m->payload.n, H))
                      ^ m->tweak.payload_check, 4);
    pad(m, m->tweak.pad);
    m->seq++;
    memset(&m->tweak, 0, sizeof m->tweak);
    g_free(&f);
}

/* ---------------------------------------------- schemas: identity, then empty descriptions ---- */

static void g_struct(g_buf *b, const char *name, unsigned fields) {
    g_str(b, name), g_var(b, fields);
}

static void g_field(g_buf *b, unsigned type, unsigned flags, const char *name, const char *unit) {
    g_u8(b, type), g_u8(b, flags), g_str(b, name), g_str(b, unit);
}

static void g_encoding(g_buf *b, const g_buf *identity, unsigned fields) {
    g_u8(b, 1), g_var(b, identity->n), g_raw(b, identity->p, identity->n);
    g_var(b, 4 + 3 * fields), g_fill(b, 0, 4 + 3 * fields);
}

static uint64_t g_fingerprint(const uint8_t *p, size_t n) {
    return XXH32(p, n, 0) | (uint64_t)XXH32(p, n, 0x9E3779B1u) << 32;
}

/* Leaves the block open. `fields` counts all of them, those of nested structs too. */
static void schema_begin(g_make *m, unsigned id, unsigned clock, uint64_t start, const char *name,
                         g_buf *identity, unsigned fields) {
    g_buf e = {NULL, 0, 0};
    block(m, G_SCHEMA);
    g_var(&m->fields, id);
    g_encoding(&e, identity, fields);
    m->fingerprint[id] = g_fingerprint(identity->p, identity->n);
    g_var(&m->payload, clock), g_var(&m->payload, start), g_str(&m->payload, name),
        g_str(&m->payload, "");
    g_le(&m->payload, m->fingerprint[id], 8);
    g_var(&m->payload, e.n), g_raw(&m->payload, e.p, e.n);
    g_free(&e), g_free(identity);
}

static void schema(g_make *m, unsigned id, const char *name, g_buf *identity, unsigned fields) {
    schema_begin(m, id, 0, 0, name, identity, fields);
    block_end(m);
}

/* u16 a, i32 b, f32 c, bool d: 11 bytes, one group of four columns. */
static g_buf plain(void) {
    g_buf b = {NULL, 0, 0};
    g_struct(&b, "Plain", 4);
    g_field(&b, G_U16, 0, "a", "V"), g_field(&b, G_I32, 0, "b", "");
    g_field(&b, G_F32, 0, "c", "m"), g_field(&b, G_BOOL, 0, "d", "");
    return b;
}

static void plain_schema(g_make *m, unsigned id, const char *name) {
    g_buf b = plain();
    schema(m, id, name, &b, 4);
}

/* ------------------------------------------------------------------- data blocks, section 5 ---- */

static void key(g_make *m, unsigned type, unsigned stream, uint64_t rows, unsigned flags,
                uint64_t first_row, int64_t base) {
    block(m, type | G_KEY);
    g_var(&m->fields, stream), g_var(&m->fields, rows), g_var(&m->fields, flags);
    g_le(&m->fields, m->fingerprint[stream] & 0xFFFF, 2);
    g_var(&m->fields, first_row), g_svar(&m->fields, base);
    m->key_seq[stream] = m->seq;
}

static void more(g_make *m, unsigned type, unsigned stream, uint64_t rows, unsigned flags,
                 uint64_t offset) {
    block(m, type);
    g_var(&m->fields, stream), g_var(&m->fields, rows), g_var(&m->fields, flags);
    g_var(&m->fields, m->seq - m->key_seq[stream]), g_var(&m->fields, offset);
}

static void payload(g_make *m, const char *hex) {
    g_hex(&m->payload, hex);
    block_end(m);
}

/* The rows that most files use to show that the reader goes on, 3 rows of `plain`:
   token 0, mask 0F, tags: a in 1 byte, b r = 1, c the high 2 bytes; a = 5, b = -1, c = 1.5, d = 1
   token 0, 10 ticks later, mask 01, tag 9: a = 6
   token 1: the same 10 ticks later */
#define PLAIN_ROWS "00 0F 80 09 0A C0 3F  50 01 09  01"

static void plain_key(g_make *m, unsigned stream, uint64_t first_row) {
    key(m, G_ROWS, stream, 3, 0, first_row, 1000 + 10 * (int64_t)first_row);
    payload(m, PLAIN_ROWS);
}

/* Continues plain rows: token 2, two rows as before; token 0 on time, mask 08: d toggles. */
static void plain_more(g_make *m, unsigned stream, uint64_t offset) {
    more(m, G_ROWS, stream, 3, 0, offset);
    payload(m, "0A  00 08");
}

static void end_stream(g_make *m, unsigned id, uint64_t next_row) {
    g_var(&m->payload, id), g_var(&m->payload, m->out.n - m->schema_at[id]),
        g_var(&m->payload, next_row);
}

/* Section 11, without an index: stream 1 (and 2) and how many rows they have. */
static void end(g_make *m, unsigned streams, uint64_t next_row1, uint64_t next_row2) {
    block(m, G_END);
    g_var(&m->payload, 0), g_var(&m->payload, m->seq), g_var(&m->payload, streams);
    if (streams > 0) end_stream(m, 1, next_row1);
    if (streams > 1) end_stream(m, 2, next_row2);
    block_end(m);
}

/* What most files begin with. */
static void begin(g_make *m) {
    header(m);
    plain_schema(m, 1, "plain");
}

/* ----------------------------------------------------------------------------- good files ---- */

static void good_header_only(g_make *m) { header(m); }

static void good_minimal(g_make *m) {
    begin(m);
    plain_key(m, 1, 0);
    end(m, 1, 3, 0);
}

static void good_header_variant(g_make *m) {
    m->minor = 7, m->align = 6, m->hash = 1, m->header_size = 192;
    m->compatible = 0x80000001u, m->read_only = 0xFFFFFFFFu;
    m->sequence = 0xABCDEF, m->previous = 0x99, m->file_number = 3, m->created = -1;
    begin(m);
    plain_key(m, 1, 0);
    end(m, 1, 3, 0);
}

/* Two streams, groups of three and two blocks, TIMES in all its forms, falling times. */
static void good_groups(g_make *m) {
    begin(m);
    plain_schema(m, 2, "other");
    plain_key(m, 1, 0);                                        /* times 1000 1010 1020 */
    key(m, G_ROWS, 2, 3, G_TIMES, 0, -500);
    g_var(&m->fields, 20);                                     /* last - first */
    payload(m, PLAIN_ROWS);                                    /* -500 -490 -480 */
    plain_more(m, 1, 3);
    more(m, G_ROWS, 2, 2, G_TIMES | G_DISORDER, 3);
    g_svar(&m->fields, 30), g_var(&m->fields, 50), g_var(&m->fields, 0);
    payload(m, "01  DC 03 00 00"); /* -470; 10 - 60 later: -520, no change */
    plain_more(m, 1, 6);
    plain_key(m, 1, 9);
    plain_more(m, 1, 3);
    end(m, 2, 15, 5);
}

/* Every token; time residuals beyond 62 bits; times that wrap around 2^64. */
static void good_tokens(g_make *m) {
    begin(m);
    key(m, G_ROWS, 1, 12, 0, 0, INT64_MAX);
    payload(
        m,
        "0A" /* 2: the first two rows, all zero, both at INT64_MAX */
        "01" /* 1: same again */
        "0D" /* 1 with residual -2 */
        "05" /* 1 with residual -1: step -3 */
        "03 FF FF FF FF FF FF FF FF FF 01 01 08" /* 3: residual INT64_MIN, mask 01 tag 8: a - 1 */
        "03 FE FF FF FF FF FF FF FF FF 01 08"    /* 3: residual INT64_MAX, mask 08: d */
        "0E"                                     /* 2: three rows */
        "00 01 08"                               /* 0: a - 1 */
        "00 08");                                /* 0: d toggles back */
    end(m, 1, 12, 0);
}

/* One u64 and one f64, each tag of section 6 from 0 to 15. */
static void good_tags(g_make *m) {
    g_buf b = {NULL, 0, 0};
    unsigned tag, i, n;
    header(m);
    g_struct(&b, "Tags", 2), g_field(&b, G_U64, 0, "u", ""), g_field(&b, G_F64, 0, "x", "");
    schema(m, 1, "tags", &b, 2);
    key(m, G_ROWS, 1, 16, 0, 0, 0);
    for (tag = 0; tag < 16; tag++) {
        n = tag < 8 ? tag + 1 : tag - 7;
        g_u8(&m->payload, 0), g_u8(&m->payload, 3), g_u8(&m->payload, tag | tag << 4);
        for (i = 0; tag < 8 && i < n; i++) g_u8(&m->payload, 0x80 + tag + i); /* u: r */
        for (i = 0; i < n; i++) g_u8(&m->payload, 0x11 * (i + 1)); /* x: low or high bytes */
    }
    block_end(m);
    end(m, 1, 16, 0);
}

static const uint8_t g_width[20] = {0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 1, 2, 4, 1, 2, 4};

/* Every type as a field; labels, units, scaling; arrays of numbers and of structs: 32 columns. */
static void types_schema(g_make *m) {
    g_buf b = {NULL, 0, 0};
    unsigned type;
    g_struct(&b, "Types", 26);
    for (type = G_BOOL; type <= G_BITS32; type++) { /* columns 0..18 */
        char name[3] = {'f', 0, 0};
        name[1] = (char)('a' + (int)type);
        g_field(&b, type,
                type == G_I16   ? 0x80
                : type == G_U32 ? 0x3A
                                : 0,
                name, type == G_I16 ? "deg/s" : "");
        if (type >= G_ENUM8 && type <= G_ENUM32)
            g_hex(&b, "02 00 03 4F4646 7F 02 4F4E");                       /* 0 OFF, 127 ON */
        if (type >= G_BITS8 && type <= G_BITS32) g_hex(&b, "01 07 01 78"); /* bit 7: x */
        if (type == G_I16)
            g_hex(&b, "000000000000E03F 0000000000002440 04"); /* 0.5, 10, 3 decimals */
    }
    g_field(&b, G_CHARS, 0, "chars", ""), g_var(&b, 5);   /* 19 */
    g_field(&b, G_BYTES, 0, "bytes", ""), g_var(&b, 3);
    g_field(&b, G_STRING, 0, "string", ""), g_var(&b, 6);
    g_field(&b, G_BLOB, 0, "blob", ""), g_var(&b, 4);     /* 22 */
    g_field(&b, G_U8, 0x40, "array", "%"), g_var(&b, 2);  /* 23 24 */
    g_field(&b, G_STRUCT, 0x40, "path", ""), g_var(&b, 2);
    g_struct(&b, "Point", 2);                             /* 25 26 27, 28 29 30 */
    g_field(&b, G_F32, 0x40, "xy", "m"), g_var(&b, 2), g_field(&b, G_CHARS, 0, "tag", ""),
        g_var(&b, 1);
    g_field(&b, G_I64, 0, "last", "");                    /* 31 */
    schema(m, 1, "types", &b, 28);
}

/* Columns 8 * group to at most 18, all coded: row 0 one byte each, row 1 all their bytes, row 2
   the short form (tag 8). Behind the third group's three come texts and one u8. */
static void types_numbers(g_make *m, unsigned row, unsigned group) {
    unsigned i, k, n = 0, tags[9] = {0};
    g_u8(&m->payload, 0xFF);
    for (i = 8 * group; i < 8 * group + 8; i++) {
        unsigned w = i < 19 ? g_width[i + 1] : 1;
        if (i > 0 && (i < 19 || i > 22)) tags[n++] = row == 0 ? 0 : row == 1 ? w - 1 : 8;
    }
    for (i = 0; i < n; i += 2) g_u8(&m->payload, tags[i] | tags[i + 1] << 4);
    for (i = group ? 8 * group : 1; i < 8 * group + 8 && i < 19; i++) {
        if (row < 2)
            for (k = 0; k < (row ? g_width[i + 1] : 1u); k++) g_u8(&m->payload, 0x21 * row + i + k);
        else if (i + 1 >= G_F16 && i + 1 <= G_F64) g_u8(&m->payload, 0x40); /* the high byte */
    }
}

static void good_types(g_make *m) {
    static const char *const texts[3] = {"00 03 616263  00 02 FFFE    00 05 68656C6C6F  00 04 "
                                         "01020304  09", /* abc, FFFE00, hello */
                                         "02 03 787978  00 03 000102  05 01 21          02 00      "
                                         "     AA", /* abxyx, hello!, 0102 */
                                         "00 00         03 00         00 00             00 02 "
                                         "0909"};
    static const char *const others[3] = {
        "FF 89 89 80  40  80 3F  00 01 78  40  01  00 01 79", /* 1, 2.0, 1.0, x, 2.0, denormal, y, -1 */
        "00 00", "88 03  00 00  00 00 01 00"};                /* tag "", last + 32768 */
    unsigned row, group;
    header(m);
    types_schema(m);
    key(m, G_ROWS, 1, 4, 0, 0, 7);
    for (row = 0; row < 3; row++) {
        g_u8(&m->payload, 0);
        for (group = 0; group < 3; group++) types_numbers(m, row, group);
        g_hex(&m->payload, texts[row]), g_hex(&m->payload, others[row]);
    }
    payload(m, "01");
    end(m, 1, 4, 0);
}

/* optional f32 t; counter u8 n; optional struct { optional u8 x; i16 y[2]; counter u16 k } s
   columns: 0 has_t, 1 t, 2 n, 3 has_s, 4 has_x, 5 x, 6 y0, 7 y1, 8 k; row: 1+4+1+1+1+1+4+2 = 15 */
static g_buf sparse(void) {
    g_buf b = {NULL, 0, 0};
    g_struct(&b, "Sparse", 3);
    g_field(&b, G_F32, 0x01, "t", "degC"), g_field(&b, G_U8, 0x04, "n", "");
    g_field(&b, G_STRUCT, 0x01, "s", ""), g_struct(&b, "S", 3);
    g_field(&b, G_U8, 0x01, "x", ""), g_field(&b, G_I16, 0x40, "y", ""), g_var(&b, 2);
    g_field(&b, G_U16, 0x04, "k", "");
    return b;
}

static void good_optional(g_make *m) {
    g_buf b = sparse();
    header(m);
    schema(m, 1, "sparse", &b, 6);
    key(m, G_ROWS, 1, 8, 0, 0, 0);
    payload(m, "01"                             /* all absent; n steps to 1 */
               "00  01  00 00"                  /* has_t: t is 0.0; n 2 */
               "00  02 08 40  00 00"            /* t = 2.0; n 3 */
               "00  01  00 00"                  /* t absent, the state keeps 2.0; n 4 */
               "00  09  00 00"                  /* t is back; has_s: y 0 0, k 1, x absent; n 5 */
               "00  B4 0B 08 0E  01 0C"         /* n = 6 + 2, has_x, x = 7, y[1] = -1; k = 2 - 3 */
               "01"                             /* n 9, k wraps to 0 */
               "00  08  00 00");                /* s absent: x, y and k with it; n 10 */
    more(m, G_ROWS, 1, 3, G_ALL_PRESENT,
         8); /* columns t n x y0 y1 k; the state's 2.0, 7, 0, -1, 0 */
    payload(m, "01"                             /* n 11, k 1 */
               "00  21 98 80"                   /* t = -2.0, k = 2 + 1; n 12 */
               "06");                           /* one row more: n 13, k 4 */
    more(m, G_ROWS, 1, 2, 0, 11);
    payload(m, "00  10  00 00"                  /* x absent; n 14, k 5 */
               "00  11  00 00");                /* t absent, x back: 7; n 15, k 6 */
    end(m, 1, 13, 0);
}

/* 100 u8 columns, 13 groups: runs of unchanged groups at the begin, between and to the end. */
static void good_wide(g_make *m) {
    g_buf b = {NULL, 0, 0};
    header(m);
    g_struct(&b, "Wide", 1), g_field(&b, G_U8, 0x40, "w", ""), g_var(&b, 100);
    schema(m, 1, "wide", &b, 1);
    key(m, G_ROWS, 1, 5, 0, 0, 0);
    payload(m, "00  01 09  00 0B"               /* w[0] = 1, twelve groups unchanged */
               "00  00 0B  08 0F"               /* w[99] = 4: r = 8 */
               "00  00 00  80 09  00 08  80 09  08 00 C8" /* w[15] = 1, w[95] = 1, w[99] += 100 */
               "00  00 0C"                      /* nothing at all, in a token that need not be */
               "01");
    end(m, 1, 5, 0);
}

static void good_no_columns(g_make *m) {
    g_buf b = {NULL, 0, 0};
    header(m);
    g_struct(&b, "Pulse", 0);
    schema(m, 1, "pulse", &b, 0);
    key(m, G_ROWS, 1, 4, 0, 0, 100);
    payload(
        m,
        "01  08  06  00"); /* 100; 1 later; the same step; and a token 0 with nothing behind it */
    end(m, 1, 4, 0);
}

/* chars(4) c, bytes(4) b, string(8) s, blob(8) x: every kind of prefix. */
static void good_text(g_make *m) {
    g_buf b = {NULL, 0, 0};
    header(m);
    g_struct(&b, "Text", 4);
    g_field(&b, G_CHARS, 0, "c", ""), g_var(&b, 4), g_field(&b, G_BYTES, 0, "b", ""), g_var(&b, 4);
    g_field(&b, G_STRING, 0, "s", ""), g_var(&b, 8), g_field(&b, G_BLOB, 0, "x", ""), g_var(&b, 8);
    schema(m, 1, "text", &b, 4);
    key(m, G_ROWS, 1, 6, 0, 0, 0);
    payload(
        m,
        "00  0F  00 04 61626364  00 04 01000200  00 08 3132333435363738  00 00" /* full; x stays empty */
        "00  0F  04 00  04 00  08 00  00 01 00"             /* all of P; x one zero byte */
        "00  0F  03 00  02 00  04 00  01 07 01020304050607" /* cut to a prefix; x full */
        "00  0F  03 01 64  02 02 0300  04 01 00  07 01 08"  /* prefix and more */
        "00  04  00 00"                                     /* s empty */
        "00  05  00 03 E282AC  00 03 E282AC");              /* UTF-8 */
    end(m, 1, 6, 0);
}

static void g_loss(g_make *m, const char *head, uint64_t count, uint64_t total, const char *rest) {
    block(m, G_LOSS);
    g_hex(&m->payload, head); /* hop, cause, flags, ref */
    g_var(&m->payload, count), g_var(&m->payload, total);
    payload(m, rest);
}

/* Clocks, losses, syncs, metadata and annotations in all their forms. */
static void good_events(g_make *m) {
    g_buf b = plain();
    header(m);
    block(m, G_CLOCK);
    g_var(&m->payload, 1), g_var(&m->payload, 168000000), g_var(&m->payload, 7),
        g_u8(&m->payload, 32);
    g_u8(&m->payload, 0), g_str(&m->payload, "cycles");
    block_end(m);
    block(m, G_CLOCK);
    g_var(&m->payload, 4000000000u), g_var(&m->payload, UINT64_MAX),
        g_var(&m->payload, 4294967295u);
    g_u8(&m->payload, 64), g_u8(&m->payload, 3), g_str(&m->payload, "");
    block_end(m);
    schema_begin(m, 1, 1, 0, "plain", &b, 4);
    block_end(m);
    plain_key(m, 1, 0);
    g_loss(m, "00 00 00 00", 1, 1, "00");
    g_loss(m, "02 02 03 02", 300, 70000,
           "01 C801 05  03 616263"); /* ring, stream 1, span 100..105, abc */
    g_loss(m, "12 FF 02 00", 0, UINT64_MAX, "07 00 FFFFFFFFFFFFFFFFFF01 00");
    block(m, G_SYNC), payload(m, "01 C801  00 8180808010  05  00");
    block(m, G_SYNC), payload(m, "01 00  00 FFFFFFFFFFFFFFFFFF01  00  01");
    block(m, G_METADATA);
    payload(m,
            "00 04 6E616D65 01 03 E282AC"      /* all, name, text */
            "02 01 69 02 FFFFFFFFFFFFFFFFFF01" /* stream 1, i, the least i64 */
            "02 01 66 03 182D4454FB210940"     /* f, pi */
            "00 01 62 04 03 00FF01  00 01 79 05 01  00 04 6E616D65 01 00"); /* name again: empty */
    block(m, G_METADATA), block_end(m);                          /* no entries */
    block(m, G_ANNOTATION), payload(m, "00 00 00 00 00 00");
    block(m, G_ANNOTATION), payload(m, "02 01 04 C801 8008 05 7761726E21");
    end(m, 1, 3, 0);
}

/* What later minors may append: fields, payload bytes; and an unknown type that says SKIP. */
static void good_newer_minor(g_make *m) {
    m->minor = 1;
    begin(m);
    key(m, G_ROWS, 1, 3, 0, 0, 1000);
    g_hex(&m->fields, "AABBCC");
    payload(m, PLAIN_ROWS);
    block(m, G_SKIP | 20), payload(m, "01020304");
    block(m, G_SKIP | G_KEY | G_LZ4 | 31), payload(m, "");
    block(m, G_SKIP | G_ANNOTATION),
        payload(m, "00 00 01 02 00 01 78  EEEE"); /* known: SKIP says nothing */
    block(m, G_LOSS), payload(m, "00 00 00 00 01 01 00  EE");
    block(m, G_SYNC), payload(m, "00 00 01 00 00 00  EE");
    block(m, G_CLOCK), payload(m, "05 01 01 40 00 00  EE");
    plain_more(m, 1, 3);
    end(m, 1, 6, 0);
}

/* Wire: sync and header check of two bytes, no alignment, announced again and again. */
static void wire(g_make *m) { m->profile = G_WIRE, m->align = 0, m->hash = 1, m->max_block = 512; }

static void good_wire(g_make *m) {
    wire(m);
    begin(m);
    plain_key(m, 1, 0);
    plain_more(m, 1, 3);
    header(m);
    plain_schema(m, 1, "plain");
    plain_more(m, 1, 6);
    block(m, G_CLOCK), payload(m, "09 C0843D 01 10 00 02 7573");
    block(m, G_CLOCK), payload(m, "09 C0843D 01 10 00 02 7573");
    plain_key(m, 1, 9);
    end(m, 1, 12, 0);
}

/* Joined in the middle: the first block is number 4711, the first row 1,000,000. */
static void good_wire_joined(g_make *m) {
    wire(m);
    m->seq = 4711;
    begin(m);
    plain_key(m, 1, 1000000);
    plain_more(m, 1, 3);
}

static void again(g_make *m, size_t from, size_t n) { /* the same bytes once more */
    g_buf copy = {NULL, 0, 0};
    g_raw(&copy, m->out.p + from, n);
    g_raw(&m->out, copy.p, copy.n);
    g_free(&copy);
}

/* seq seen before (a block twice), and rows seen before under new numbers. */
static void good_repeats(g_make *m) {
    size_t first;
    begin(m);
    first = m->out.n;
    plain_key(m, 1, 0);
    block(m, G_ANNOTATION), payload(m, "00 00 01 02 00 01 78");
    again(m, first, m->out.n - first); /* both blocks once more */
    plain_more(m, 1, 3);
    plain_key(m, 1, 0);   /* rows 0..2 again */
    plain_more(m, 1, 3);  /* rows 3..5 again */
    plain_key(m, 1, 5);   /* overlaps: rows 5..7, ignored as a whole */
    plain_key(m, 1, 6);
    plain_schema(m, 1, "plain");
    end(m, 1, 9, 0);
}

static void good_free_space(g_make *m) {
    header(m);
    g_fill(&m->out, 0xFF, 88);
    plain_schema(m, 1, "plain");
    g_fill(&m->out, 0x00, 1);
    g_fill(&m->out, 0xFF, 3);
    plain_key(m, 1, 0);
    g_fill(&m->out, 0x00, 512);
}

/* cat of two files of one sequence: the first closed, the second cut by a power failure. */
static void good_cat(g_make *m) {
    m->sequence = 77;
    begin(m);
    plain_key(m, 1, 0);
    end(m, 1, 3, 0);
    m->previous = m->session, m->session = 0xFEDCBA9876543210u, m->file_number = 1;
    m->seq = 0, m->hash = 1;
    header(m);
    {
        g_buf b = plain();
        schema_begin(m, 1, 0, 3, "plain", &b, 4);
        block_end(m);
    }
    block(m, G_CHAIN), payload(m, "01 01 03");
    plain_key(m, 1, 3);
}

/* A later append behind the end block. */
static void good_appended(g_make *m) {
    begin(m);
    plain_key(m, 1, 0);
    end(m, 1, 3, 0);
    plain_key(m, 1, 3);
    end(m, 1, 6, 0);
}

/* A stream that another serialiser made: one blob per row. */
static void good_foreign(g_make *m) {
    header(m);
    block(m, G_SCHEMA);
    g_var(&m->fields, 1);
    m->fingerprint[1] = g_fingerprint((const uint8_t *)"message Pose {}", 15);
    g_var(&m->payload, 0), g_var(&m->payload, 0), g_str(&m->payload, "pose"),
        g_str(&m->payload, "protobuf");
    g_le(&m->payload, m->fingerprint[1], 8), g_str(&m->payload, "message Pose {}"),
        g_var(&m->payload, 5);
    block_end(m);
    key(m, G_ROWS, 1, 3, 0, 0, 0);
    payload(m, "00 01 00 03 0A0B0C  00 01 01 04 01020304  00 01 00 00");
    end(m, 1, 3, 0);
}

/* LZ4 over schema and rows, the blocks written by hand: literals, one match, literals. */
static void g_lz4_literals(g_buf *b, const uint8_t *p, size_t n) {
    g_u8(b, n < 15 ? (unsigned)n << 4 : 0xF0);
    if (n >= 15) {
        size_t left = n - 15;
        for (; left >= 255; left -= 255) g_u8(b, 255);
        g_u8(b, (unsigned)left);
    }
    g_raw(b, p, n);
}

static void good_lz4(g_make *m) {
    g_buf b = plain(), raw = {NULL, 0, 0};
    header(m);
    schema_begin(m, 1, 0, 0, "plain", &b, 4);
    g_raw(&raw, m->payload.p, m->payload.n);
    m->payload.n = 0, m->kind |= G_LZ4;
    g_var(&m->payload, raw.n), g_lz4_literals(&m->payload, raw.p, raw.n);
    block_end(m);
    m->schema_at[1] = m->at;
    key(m, G_ROWS | G_LZ4, 1, 40, 0, 0, 0);
    payload(m, "78"               /* 120 bytes: forty times 00 01 09 */
               "3F 00 01 09 03 00 5A"  /* 3 literals, a match of 4 + 15 + 90 = 109 at distance 3 */
               "80 01 09 00 01 09 00 01 09");
    plain_more(m, 1, 40);
    end(m, 1, 43, 0);
    g_free(&raw);
}

/* Rows numbered from 2^40 on, in a stream with the largest id. */
static void good_large_numbers(g_make *m) {
    g_buf b = plain();
    m->sequence = 5, m->file_number = 4000000000u; /* start_row is 0 in a file that stands alone */
    header(m);
    schema_begin(m, 1, 0, (uint64_t)1 << 40, "late", &b, 4);
    m->fields.n = 0, g_var(&m->fields, 4294967294u);
    block_end(m);
    block(m, G_ROWS | G_KEY);
    g_var(&m->fields, 4294967294u), g_var(&m->fields, 3), g_var(&m->fields, 0);
    g_le(&m->fields, m->fingerprint[1] & 0xFFFF, 2), g_var(&m->fields, (uint64_t)1 << 40),
        g_svar(&m->fields, INT64_MIN);
    payload(m, PLAIN_ROWS);
}

/* An entry of a level-1 index for a data block of three rows. */
static void g_entry(g_make *m, unsigned kind, size_t at, int data, uint64_t first, int64_t min,
                    uint64_t span) {
    g_u8(&m->payload, kind), g_var(&m->payload, m->out.n - at);
    if (data)
        g_var(&m->payload, 1), g_var(&m->payload, first), g_var(&m->payload, 3),
            g_svar(&m->payload, min), g_var(&m->payload, span);
}

static void g_span(g_make *m, uint64_t next_row, uint64_t rows, int64_t min, uint64_t span) {
    g_var(&m->payload, 1), g_var(&m->payload, 1), g_var(&m->payload, m->out.n - m->schema_at[1]);
    g_var(&m->payload, next_row), g_var(&m->payload, rows), g_svar(&m->payload, min),
        g_var(&m->payload, span);
}

static size_t g_index_begin(g_make *m, unsigned level, size_t previous, size_t up, unsigned count) {
    block(m, G_INDEX);
    g_var(&m->fields, level);
    g_var(&m->payload, previous ? m->out.n - previous : 0),
        g_var(&m->payload, up ? m->out.n - up : 0);
    g_var(&m->payload, count);
    return m->out.n;
}

/* Four level-1 indexes, a level-2 index for each two of them, one without data, end. */
static void good_index(g_make *m) {
    size_t k, n, one, two, three, four, low, high;
    begin(m);
    k = m->out.n, plain_key(m, 1, 0);
    n = m->out.n, plain_more(m, 1, 3);
    one = g_index_begin(m, 1, 0, 0, 3);
    g_entry(m, 1, m->schema_at[1], 0, 0, 0, 0);
    g_entry(m, 0x42, k, 1, 0, 1000, 20), g_entry(m, 2, n, 1, 3, 1030, 20);
    g_span(m, 6, 6, 1000, 50), block_end(m);
    k = m->out.n, plain_key(m, 1, 6);
    two = g_index_begin(m, 1, one, 0, 1);
    g_entry(m, 0x42, k, 1, 6, 1060, 20), g_span(m, 9, 3, 1060, 20), block_end(m);
    low = g_index_begin(m, 2, 0, 0, 2);
    g_var(&m->payload, m->out.n - one), g_var(&m->payload, m->out.n - two);
    g_span(m, 9, 9, 1000, 80), block_end(m);
    k = m->out.n, block(m, G_ANNOTATION), payload(m, "00 00 01 02 00 01 78");
    three = g_index_begin(m, 1, two, low, 1);
    g_entry(m, 8, k, 0, 0, 0, 0), g_var(&m->payload, 0), block_end(m);
    k = m->out.n, plain_key(m, 1, 9);
    four = g_index_begin(m, 1, three, low, 1);
    g_entry(m, 0x42, k, 1, 9, 1090, 20), g_span(m, 12, 3, 1090, 20), block_end(m);
    high = g_index_begin(m, 2, low, 0, 2);
    g_var(&m->payload, m->out.n - three), g_var(&m->payload, m->out.n - four);
    g_span(m, 12, 3, 1090, 20), block_end(m);
    (void)high;
    block(m, G_END);
    g_var(&m->payload, m->out.n - four), g_var(&m->payload, m->seq);
    g_var(&m->payload, 1), end_stream(m, 1, 12);
    block_end(m);
}

/* ---------------------------------------------------------------------- unsupported files ---- */

/* What every one of them has around the thing that cannot be read. */
static void after(g_make *m, uint64_t row) {
    plain_key(m, 1, row);
    end(m, 1, row + 3, 0);
}

static void unsupported_block_type(g_make *m) {
    begin(m);
    plain_key(m, 1, 0);
    block(m, 14), payload(m, "DEADBEEF");
    damage_last(m, "UNSUPPORTED");
    block(m, 0), payload(m, "");
    damage_last(m, "UNSUPPORTED");
    plain_more(m, 1, 3);
    end(m, 1, 6, 0);
}

/* Bits 5 and 6 of kind where they mean nothing. */
static void unsupported_kind_bits(g_make *m) {
    begin(m);
    block(m, G_LOSS | G_LZ4), payload(m, "00 00 00 00 01 01 00");
    damage_last(m, "UNSUPPORTED");
    block(m, G_ANNOTATION | G_KEY), payload(m, "00 00 01 02 00 01 78");
    damage_last(m, "UNSUPPORTED");
    after(m, 0);
}

static void unsupported_row_flags(g_make *m) {
    begin(m);
    key(m, G_ROWS, 1, 3, 8, 0, 1000), payload(m, PLAIN_ROWS);
    damage_last(m, "UNSUPPORTED");
    plain_more(m, 1, 3); /* cannot go on from it */
    after(m, 6);
}

static void unsupported_token(g_make *m) {
    begin(m);
    key(m, G_ROWS, 1, 3, 0, 0, 1000);
    payload(m, "00 0F 80 09 0A C0 3F  07 00 00 00  01"); /* the first row stands */
    damage_last(m, "UNSUPPORTED");
    after(m, 3);
}

static void unsupported_flags(g_make *m) {
    begin(m);
    block(m, G_LOSS), payload(m, "00 00 04 00 01 01 00");
    damage_last(m, "UNSUPPORTED");
    block(m, G_SYNC), payload(m, "00 00 01 00 00 02");
    damage_last(m, "UNSUPPORTED");
    block(m, G_CLOCK), payload(m, "01 01 01 40 04 00");
    damage_last(m, "UNSUPPORTED");
    after(m, 0);
}

static void unsupported_metadata(g_make *m) {
    begin(m);
    block(m, G_METADATA), payload(m, "00 01 61 02 02  00 01 62 06 00  00 01 63 02 04");
    damage_last(m, "UNSUPPORTED"); /* a = 1 stands; b is of type 6, c is behind it */
    after(m, 0);
}

static void unsupported_schema(g_make *m) {
    g_buf b = plain();
    begin(m);
    schema_begin(m, 2, 0, 0, "new", &b, 4);
    m->payload.p[1 + 1 + 4 + 1 + 8 + 1] =
        2; /* clock, start, name, encoding, fingerprint, n, VERSION */
    block_end(m);
    damage_last(m, "UNSUPPORTED");
    after(m, 0);
}

/* The second session of the stream is of a later major version, the third is ours again. */
static void unsupported_session(g_make *m) {
    size_t at;
    begin(m);
    plain_key(m, 1, 0);
    at = m->out.n;
    m->session++, m->seq = 0, m->major = 2;
    begin(m);
    plain_key(m, 1, 0);
    damage(m, "UNSUPPORTED", at, m->out.n - at);
    m->session++, m->seq = 0, m->major = 1;
    begin(m);
    after(m, 0);
}

static void unsupported_major(g_make *m) {
    m->major = 2;
    begin(m);
    after(m, 0);
    damage(m, "UNSUPPORTED", 0, m->out.n);
}

static void unsupported_incompatible(g_make *m) {
    m->incompatible = 2;
    begin(m);
    after(m, 0);
    damage(m, "UNSUPPORTED", 0, m->out.n);
}

static void unsupported_hash(g_make *m) {
    m->hash = 3;
    begin(m);
    after(m, 0);
    damage(m, "UNSUPPORTED", 0, m->out.n);
}

/* Section 8, raw and constant columns, with run lengths: the rows of this file are 7 rows of plain. */
static void unsupported_columns(g_make *m) {
    begin(m);
    key(m, G_COLUMNS, 1, 7, G_TIMES, 0, 1000), g_var(&m->fields, 60);
    g_hex(&m->payload,
          "08 03"                              /* a reserved bit, 3 distinct rows */
          "17"                                 /* columns 0 runs, 1 time, 2 a, 4 c; b and d idle */
          "00 0C  00 18  80 06 00 00  01 04"); /* raw, raw, raw with bounds, constant */
    g_fill(&m->payload, 0, 3);                 /* to the next multiple of 8: 13 + 3 */
    g_hex(&m->payload, "02000000 00000000 02000000"  "00000000"              /* 3, 1 and 3 rows */
                       "E803000000000000 0604000000000000 1004000000000000"  /* 1000, 1030, 1040 */
                       "0100 0200 0300"  "0000C03F");
    block_end(m);
    damage_last(m, "UNSUPPORTED");
    after(m, 7);
}

/* Section 7: 4 rows, then 2 that go on from them. */
static void good_mini(g_make *m) {
    begin(m);
    key(m, G_MINI, 1, 4, 0, 0, 1000);
    payload(
        m,
        "13"          /* columns 0 time, 1 a, 4 d; b and c idle */
        "85 80 02 00" /* time: linear, 5 bits: residuals 0, 20 (+10), 0, 0: 1000 1010 1020 1030 */
        "04 2A 20"    /* a: 4 bits: 10 2 0 2: 5 6 6 7 */
        "02 02");     /* d: 2 bits: 2 0 0 0: 1 1 1 1 */
    more(m, G_MINI, 1, 2, 0, 4),
        payload(m, "02  81 00"); /* a: linear, 1 bit: 8 9; the time goes on */
    after(m, 6);
}

/* The same 4 rows, 40 of which no column has an item, and one that goes on from them. */
static const char four_rows[] = "13  85 80 02 00  04 2A 20  02 02";
static void good_mini_idle(g_make *m) {
    begin(m);
    key(m, G_MINI, 1, 4, 0, 0, 1000), payload(m, four_rows);
    more(m, G_MINI, 1, 40, 0, 4), payload(m, "00 00");
    more(m, G_MINI, 1, 1, 0, 44), payload(m, "02  02 02"); /* a: 2 bits: 2 */
    after(m, 45);
}
/* 33 rows and an item: none of them stands. */
static void bad_mini_rows(g_make *m) {
    begin(m);
    key(m, G_MINI, 1, 4, 0, 0, 1000), payload(m, four_rows);
    more(m, G_MINI, 1, 33, 0, 4), payload(m, "02  00");
    damage_last(m, "CORRUPT");
    after(m, 37);
}

/* Section 10: one of 8 bytes in three chunks, another between them, rows around. */
static void attachments(g_make *m, unsigned last) {
    begin(m);
    block(m, G_ATTACHMENT);
    payload(m, "07 01 00  05 612E706E67  09 696D6167652F706E67  09  04 01020304");
    plain_key(m, 1, 0);
    block(m, G_ATTACHMENT);
    g_hex(&m->payload, "88 02 03 00  01 62  00  01  00"); /* id 264, no bytes, complete */
    g_le(&m->payload, g_fingerprint((const uint8_t *)"", 0), 8);
    block_end(m);
    block(m, G_ATTACHMENT);
    payload(m, "07 00 04  03 050607");
    block(m, G_ATTACHMENT); /* the last one repeats the name */
    g_hex(&m->payload, "07 03 07  05 612E706E67  09 696D6167652F706E67  09  01"), g_le(&m->payload, last, 1);
    g_le(&m->payload, g_fingerprint((const uint8_t *)"\1\2\3\4\5\6\7\10", 8), 8);
    block_end(m);
    after(m, 3);
}
static void good_attachments(g_make *m) { attachments(m, 8); }
static void bad_attachment_hash(g_make *m) { attachments(m, 9); }

static void bad_attachments(g_make *m) {
    static const char *const wrong[] = {
        "00 01 00  01 61  00  00  01 11",  /* id 0 */
        "07 01 00  01 61  00  00  01",     /* no byte of one */
        "07 01 00  01 61  00  02  02 1122", /* more than its total */
        "07 03 00  01 61  00  03  01 11  0000000000000000", /* ends before its total */
        "07 01 00  01 61  00  00  05 1122", /* cut */
        "07 02 01  01 11  00000000",       /* a hash cut short */
        "07 01 00  01 61  00  81 80808080808080 80 01  00", /* a total above 2^63 */
    };
    unsigned i;
    begin(m);
    for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        block(m, G_ATTACHMENT);
        payload(m, wrong[i]);
        damage_last(m, "CORRUPT");
    }
    block(m, G_ATTACHMENT);
    payload(m, "07 05 00  01 61  00  00  01 11"); /* an unknown flag */
    damage_last(m, "UNSUPPORTED");
    after(m, 0);
}

/* Section 12. The zone's header: two slots of 192 bytes. */
static size_t zone_header(g_make *m, unsigned layout, unsigned state) {
    size_t zone;
    m->incompatible = 1, m->journal = 64 + 2 * 192;
    header(m);
    zone = m->out.n;
    g_hex(&m->out, "544C4A31"), g_le(&m->out, layout, 2), g_le(&m->out, 2, 2);
    g_le(&m->out, m->session, 8), g_le(&m->out, 192, 4);
    g_le(&m->out, XXH32(m->out.p + zone, 20, m->S), 4), g_le(&m->out, state, 4);
    g_fill(&m->out, 0, 36);
    return zone;
}

/* A row as PLAIN_ROWS has them, of stream 1; repeat: of the one so many bytes before. */
static void zone_row(g_make *m, unsigned generation, uint64_t number, unsigned repeat) {
    size_t row = m->out.n;
    g_le(&m->out, number, 8), g_le(&m->out, 1000 + 10 * number, 8), g_le(&m->out, 1, 4);
    if (repeat) g_hex(&m->out, "FFFFFFFF"), g_le(&m->out, repeat, 4);
    else g_le(&m->out, 11, 4), g_hex(&m->out, "0600 FFFFFFFF 0000C03F 01  00");
    g_le(&m->out, XXH32(m->out.p + row, m->out.n - row, m->S ^ generation ^ m->opening), 4);
    while ((m->out.n - row) % 8) g_u8(&m->out, 0);
}

static size_t zone_slot(g_make *m, unsigned generation, unsigned committed) {
    size_t slot = m->out.n;
    g_le(&m->out, committed, 4), g_le(&m->out, generation, 4), g_le(&m->out, m->opening, 4);
    g_fill(&m->out, 0, 52);
    return slot;
}
static void zone_slot_end(g_make *m, size_t slot) { g_fill(&m->out, 0xC7, slot + 192 - m->out.n); }

/* The writer was killed: rows 0 to 2 are in a block, 3 to 5 in no block; the slot of the generation before still
   holds rows 1 and 2, those of the writer before this one. */
static void good_journal(g_make *m) {
    size_t slot;
    (void)zone_header(m, 1, 1);
    m->opening = 0xA5C30F01;
    slot = zone_slot(m, 6, 40 + 40 + 32), zone_row(m, 6, 3, 0), zone_row(m, 6, 4, 0), zone_row(m, 6, 5, 40);
    zone_slot_end(m, slot);
    m->opening = 0;
    slot = zone_slot(m, 5, 80), zone_row(m, 5, 1, 0), zone_row(m, 5, 2, 0), zone_slot_end(m, slot);
    plain_schema(m, 1, "plain");
    plain_key(m, 1, 0);
}

/* Closed: the row in it does not count. */
static void good_journal_closed(g_make *m) {
    size_t slot;
    (void)zone_header(m, 1, 0);
    slot = zone_slot(m, 0, 0), zone_slot_end(m, slot);
    slot = zone_slot(m, 1, 40), zone_row(m, 1, 3, 0), zone_slot_end(m, slot);
    plain_schema(m, 1, "plain");
    plain_key(m, 1, 0);
    end(m, 1, 3, 0);
}

static void unsupported_journal(g_make *m) {
    size_t zone = zone_header(m, 2, 1);
    g_fill(&m->out, 0, 2 * 192);
    damage(m, "UNSUPPORTED", zone, m->out.n - zone);
    plain_schema(m, 1, "plain");
    plain_key(m, 1, 0);
}

/* ----------------------------------------------------------------------------- bad files ---- */

/* A row block whose rows 0 (and 1) stand and whose rest is wrong; then a block that would go on
   from it (lost with it), then a KEY block from row 6 on. */
static void broken_rows(g_make *m, uint64_t rows, const char *hex) {
    begin(m);
    key(m, G_ROWS, 1, rows, 0, 0, 1000), payload(m, hex);
    damage_last(m, "CORRUPT");
    plain_more(m, 1, rows);
    after(m, rows + 3);
}

static void bad_mask(g_make *m) { broken_rows(m, 3, "00 0F 80 09 0A C0 3F  00 11 08  01"); }
static void bad_mask_run(g_make *m) { broken_rows(m, 3, "00 0F 80 09 0A C0 3F  00 00 01  01"); }
static void bad_tag_width(g_make *m) {
    broken_rows(m, 3, "00 0F 80 09 0A C0 3F  00 01 02 000000  01");
}
static void bad_tag_float(g_make *m) {
    broken_rows(m, 3, "00 0F 80 09 0A C0 3F  00 04 0C 0000000000  01");
}
static void bad_tag_nibble(g_make *m) { broken_rows(m, 3, "00 0F 80 09 0A C0 3F  00 01 19  01"); }
static void bad_token_empty_run(g_make *m) { broken_rows(m, 3, "01 02 01"); }
static void bad_token_long_run(g_make *m) { broken_rows(m, 3, "01 0E"); }
static void bad_token_cut(g_make *m) { broken_rows(m, 3, "00 0F 80 09 0A C0 3F  01"); }
static void bad_rows_left_over(g_make *m) { broken_rows(m, 3, PLAIN_ROWS "01"); }
static void bad_varint(g_make *m) { broken_rows(m, 3, "01  81 00  01"); }     /* 1 in two bytes */
static void bad_varint_long(g_make *m) {
    broken_rows(m, 3, "01  03 FFFFFFFFFFFFFFFFFF02 00 00  01");
} /* 65 bits */
static void bad_first_time(g_make *m) { broken_rows(m, 3, "08 00 00  01 01"); }

static void bad_absent_column(g_make *m) { /* t is coded, has_t is 0 */
    g_buf b = sparse();
    header(m);
    schema(m, 1, "sparse", &b, 6);
    key(m, G_ROWS, 1, 2, 0, 0, 0), payload(m, "01  00 02 08 40 00 00");
    damage_last(m, "CORRUPT");
    key(m, G_ROWS, 1, 1, 0, 2, 0), payload(m, "01");
    end(m, 1, 3, 0);
}

static void g_text_error(g_make *m, const char *hex) { /* chars(4) c, string(4) s */
    g_buf b = {NULL, 0, 0};
    header(m);
    g_struct(&b, "Text", 2);
    g_field(&b, G_CHARS, 0, "c", ""), g_var(&b, 4), g_field(&b, G_STRING, 0, "s", ""), g_var(&b, 4);
    schema(m, 1, "text", &b, 2);
    key(m, G_ROWS, 1, 2, 0, 0, 0), payload(m, hex);
    damage_last(m, "CORRUPT");
    key(m, G_ROWS, 1, 1, 0, 2, 0), payload(m, "01");
    end(m, 1, 3, 0);
}

static void bad_text_prefix(g_make *m) { g_text_error(m, "00 02 00 02 6162  00 02 03 00"); }
static void bad_text_length(g_make *m) { g_text_error(m, "00 02 00 02 6162  00 02 02 03 636465"); }
static void bad_chars_length(g_make *m) { g_text_error(m, "00 01 00 02 6162  00 01 02 03 636465"); }
static void bad_chars_bytes(g_make *m) { g_text_error(m, "00 01 00 02 6162  00 01 00 04 6162"); }

static void bad_header_check(g_make *m) {
    begin(m);
    m->tweak.header_check = 1;
    plain_key(m, 1, 0);
    damage_last(m, "CORRUPT");
    plain_more(m, 1, 3);
    damage(m, "CORRUPT", m->at, 0); /* the gap of seq */
    after(m, 6);
}

static void bad_payload_check(g_make *m) {
    begin(m);
    m->tweak.payload_check = 0x80000000u;
    plain_key(m, 1, 0);
    damage_last(m, "CORRUPT");
    plain_more(m, 1, 3);
    after(m, 6);
}

/* Blocks of another session, as in a flash sector that was used before. */
static void bad_foreign_session(g_make *m) {
    static const uint8_t other[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    size_t at, i;
    begin(m);
    plain_key(m, 1, 0);
    at = m->out.n;
    for (i = 0; i < 2; i++) m->tweak.S = XXH32(other, 8, 0), plain_more(m, 1, 3);
    damage(m, "CORRUPT", at, m->out.n - at);
    m->seq -= 2;
    plain_more(m, 1, 3);
    end(m, 1, 6, 0);
}

/* K0, K1, N1: K1 is lost, and N1 would fit behind K0 if only rows and counts were compared. */
static void bad_missing_key(g_make *m) {
    size_t at;
    begin(m);
    plain_key(m, 1, 0);
    at = m->out.n;
    plain_key(m, 1, 3);
    m->out.n = at;
    plain_more(m, 1, 3);
    damage(m, "CORRUPT", m->at, 0);
    after(m, 9);
}

/* The stream ends behind blocks whose KEY block is lost: how many rows before them is not known. */
static void bad_missing_key_at_end(g_make *m) {
    size_t at;
    begin(m);
    plain_key(m, 1, 0);
    at = m->out.n;
    plain_key(m, 1, 3);
    m->out.n = at;
    plain_more(m, 1, 3);
    damage(m, "CORRUPT", m->at, 0);
    plain_more(m, 1, 6);
}

static void bad_sequence_gap(g_make *m) { /* an annotation is lost; no row is */
    begin(m);
    plain_key(m, 1, 0);
    m->seq++;
    plain_more(m, 1, 3);
    damage(m, "CORRUPT", m->at, 0);
    end(m, 1, 6, 0);
}

static void bad_rows_gap(g_make *m) { /* seq goes on, rows do not: their number is exact */
    begin(m);
    plain_key(m, 1, 0);
    plain_key(m, 1, 100);
    end(m, 1, 103, 0);
}

static void bad_first_block_lost(g_make *m) {
    m->seq = 1;
    begin(m);
    damage(m, "CORRUPT", m->at, 0);
    after(m, 2);
}

static void bad_tag(g_make *m) {
    begin(m);
    m->fingerprint[1] ^= 1;
    plain_key(m, 1, 0);
    m->fingerprint[1] ^= 1;
    damage_last(m, "CORRUPT");
    plain_more(m, 1, 3);
    after(m, 6);
}

static void bad_no_schema(g_make *m) {
    begin(m);
    m->fingerprint[2] = m->fingerprint[1];
    plain_key(m, 2, 5);
    damage_last(m, "CORRUPT");
    after(m, 0);
}

static void bad_no_rows(g_make *m) {
    begin(m);
    key(m, G_ROWS, 1, 0, 0, 0, 0), payload(m, "");
    damage_last(m, "CORRUPT");
    after(m, 0);
}

static void bad_row_overflow(g_make *m) {
    begin(m);
    key(m, G_ROWS, 1, 3, 0, UINT64_MAX - 1, 1000), payload(m, PLAIN_ROWS);
    damage_last(m, "CORRUPT");
    after(m, 0);
}

static void bad_distance(g_make *m) {
    begin(m);
    plain_key(m, 1, 0);
    m->key_seq[1] = m->seq;
    plain_more(m, 1, 3);
    damage_last(m, "CORRUPT");
    after(m, 3);
}

static void bad_fields_varint(g_make *m) { /* the header check is right; seq in two bytes */
    begin(m);
    m->tweak.raw_fields = 1;
    block(m, G_LOSS), g_hex(&m->fields, "81 00 07"), payload(m, "00 00 00 00 01 01 00");
    damage_last(m, "CORRUPT");
    damage(m, "CORRUPT", m->out.n, 0); /* its number is not known: a gap */
    after(m, 0);
}

static void bad_fields_short(g_make *m) {
    begin(m);
    m->tweak.raw_fields = 1;
    block(m, G_LOSS), g_hex(&m->fields, "01"), payload(m, "00 00 00 00 01 01 00");
    damage_last(m, "CORRUPT");
    after(m, 0);
}

static void bad_length(g_make *m) { /* above max_block, and the largest varint */
    size_t at;
    begin(m);
    at = m->out.n;
    m->tweak.has_len = 1, m->tweak.len = 65536;
    plain_key(m, 1, 0);
    m->tweak.has_len = 1, m->tweak.len = UINT64_MAX;
    plain_more(m, 1, 3);
    damage(m, "CORRUPT", at, m->out.n - at);
    after(m, 6);
}

/* A length that swallows the good blocks behind it: they are found inside. */
static void bad_length_over_next(g_make *m) {
    begin(m);
    m->tweak.has_len = 1, m->tweak.len = 100;
    plain_key(m, 1, 0);
    damage_last(m, "CORRUPT");
    after(m, 3);
    after(m, 6);
}

static void bad_padding(g_make *m) {
    begin(m);
    m->tweak.pad = 0x20;
    plain_key(m, 1, 0);
    damage(m, "CORRUPT", m->out.n - 1, 0); /* one byte of padding */
    plain_more(m, 1, 3);
    end(m, 1, 6, 0);
}

static void cut(g_make *m, size_t from_block,
                size_t keep) { /* the stream ends inside the last block */
    m->out.n = from_block + keep;
    damage(m, "TRUNCATED", from_block, keep);
}

static void bad_cut_sync(g_make *m) {
    begin(m), plain_key(m, 1, 0), plain_more(m, 1, 3), cut(m, m->at, 3);
}
static void bad_cut_header(g_make *m) {
    begin(m), plain_key(m, 1, 0), plain_more(m, 1, 3), cut(m, m->at, 9);
}
static void bad_cut_payload(g_make *m) {
    begin(m), plain_key(m, 1, 0), plain_more(m, 1, 3), cut(m, m->at, m->out.n - m->at - 7);
}
static void bad_cut_padding(g_make *m) {
    begin(m), plain_key(m, 1, 0), plain_more(m, 1, 3), cut(m, m->at, m->out.n - m->at - 1);
}

static void bad_cut_stream_header(g_make *m) {
    begin(m);
    plain_key(m, 1, 0);
    m->session++, m->seq = 0;
    header(m);
    cut(m, m->at, 60);
}

/* cat of a file that was cut in a payload, and a whole one. */
static void bad_cut_then_cat(g_make *m) {
    begin(m);
    plain_key(m, 1, 0);
    plain_more(m, 1, 3);
    cut(m, m->at, m->out.n - m->at - 14);
    m->expect.n = 0;
    damage_last(m, "CORRUPT");
    m->session++, m->seq = 0;
    begin(m);
    after(m, 0);
}

/* The same, cut in the padding: the block is whole, and the header begins in its padding. */
static void bad_cut_padding_then_cat(g_make *m) {
    begin(m);
    key(m, G_ROWS, 1, 1, 0, 0, 0), payload(m, "01"); /* 20 + 4, 1 + 4, 3 bytes of padding */
    m->out.n -= 2;
    damage(m, "CORRUPT", m->out.n - 1, 0);
    m->session++, m->seq = 0;
    begin(m);
    after(m, 0);
}

static void bad_header_again(g_make *m) { /* the session's id with another creation time */
    begin(m);
    plain_key(m, 1, 0);
    m->created = 1;
    header(m);
    damage_last(m, "CORRUPT");
    plain_more(m, 1, 3);
    end(m, 1, 6, 0);
}

static void bad_second_header(g_make *m) { /* its check is wrong: still the first session */
    begin(m);
    plain_key(m, 1, 0);
    m->session++;
    header(m);
    m->out.p[m->out.n - 1] ^= 1;
    damage_last(m, "CORRUPT");
    m->session--;
    session_seed(m);
    plain_more(m, 1, 3);
    end(m, 1, 6, 0);
}

static void bad_garbage(g_make *m) { /* before the first header, between blocks, at the end */
    size_t at;
    g_raw(&m->out, "no telem stream yet\n", 20);
    damage(m, "CORRUPT", 0, 20);
    begin(m);
    at = m->out.n;
    g_raw(&m->out, "\0\xFFhello\xD7\x54\x4C\x4D\0\0", 13);
    damage(m, "CORRUPT", at + 2, 11);
    plain_key(m, 1, 0);
    end(m, 1, 3, 0);
    g_raw(&m->out, "\0tail", 5);
    damage(m, "CORRUPT", m->out.n - 4, 4);
}

static void bad_header_values(
    g_make *m) { /* one stream header each: the check is right, a value is not */
    static const uint32_t wrong[][2] = {{0, 255}, {0, (1u << 30) + 1}, {1, 0}, {1, 16777217},
                                        {2, 0},   {2, 65536},          {3, 0}, {3, 65536}};
    size_t i;
    begin(m);
    plain_key(m, 1, 0);
    for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        g_make good = *m;
        m->session++;
        if (wrong[i][0] == 0) m->max_block = wrong[i][1];
        if (wrong[i][0] == 1) m->max_row = wrong[i][1];
        if (wrong[i][0] == 2) m->max_streams = wrong[i][1];
        if (wrong[i][0] == 3) m->max_columns = wrong[i][1];
        header(m);
        damage_last(m, "CORRUPT");
        m->max_block = good.max_block, m->max_row = good.max_row;
        m->max_streams = good.max_streams, m->max_columns = good.max_columns;
    }
    m->session++, m->seq = 0;
    begin(m);
    after(m, 0);
}

static void bad_redefinition(g_make *m) { /* the id, then the name, used for something else */
    g_buf b = sparse();
    begin(m);
    schema(m, 1, "plain", &b, 6);
    damage_last(m, "CORRUPT");
    plain_schema(m, 2, "plain");
    damage_last(m, "CORRUPT");
    b = plain();
    m->fingerprint[1] = g_fingerprint(b.p, b.n), g_free(&b);
    m->schema_at[1] = 104;
    after(m, 0);
}

static void bad_clock(g_make *m) {
    begin(m);
    block(m, G_CLOCK), payload(m, "01 0A 01 40 00 00");
    block(m, G_CLOCK), payload(m, "01 0B 01 40 00 00"); /* another one under the same id */
    damage_last(m, "CORRUPT");
    block(m, G_CLOCK), payload(m, "02 00 01 40 00 00"); /* 0 Hz */
    damage_last(m, "CORRUPT");
    block(m, G_CLOCK), payload(m, "02 01 00 40 00 00");
    damage_last(m, "CORRUPT");
    block(m, G_CLOCK), payload(m, "02 01 01 41 00 00"); /* 65 bits */
    damage_last(m, "CORRUPT");
    after(m, 0);
}

static void bad_schema(
    g_make *m) { /* a fingerprint, an encoding cut, a type 0, a row above max_row */
    g_buf b = plain();
    begin(m);
    schema_begin(m, 2, 0, 0, "x", &b, 4), m->payload.p[5] ^= 1, block_end(m);
    damage_last(m, "CORRUPT");
    b = plain(), schema_begin(m, 2, 0, 0, "x", &b, 4), m->payload.n -= 2, block_end(m);
    damage_last(m, "CORRUPT");
    g_struct(&b, "Zero", 1), g_field(&b, 0, 0, "z", ""), schema(m, 2, "x", &b, 1);
    damage_last(m, "CORRUPT");
    g_struct(&b, "Large", 1), g_field(&b, G_BYTES, 0, "z", ""), g_var(&b, 4097),
        schema(m, 2, "x", &b, 1);
    damage_last(m, "CORRUPT");
    plain_schema(m, 2, "good at last");
    after(m, 0);
}

static void bad_events(g_make *m) { /* cut, out of range */
    static const struct { unsigned kind; const char *hex; } wrong[] = {
        {G_LOSS, "00 00 00 00 01 01 05 61"}, {G_LOSS, "00 00 02 00 01 01"},
        {G_LOSS, "00 00 00 8180808010 01 01 00"}, {G_SYNC, "00 00 01 00 00"},
        {G_METADATA, "00 01 61 02 02  00 00 05 01"}, {G_METADATA, "00 01 61 02 02  00 01 62 05 02"},
        {G_ANNOTATION, "00 00 05 02 00 01 78"}, {G_ANNOTATION, "00 00 01 8100 00 01 78"}};
    size_t i;
    begin(m);
    for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        block(m, wrong[i].kind), payload(m, wrong[i].hex);
        damage_last(m, "CORRUPT");
    }
    after(m, 0);
}

static void bad_lz4(g_make *m) {
    static const char *const wrong[] = {
        "00", "09 8001",
        "78 3F 00 01 09 03 00 59 80 01 09 00 01 09 00 01 09", /* no size, cut, too short */
        "78 3F 00 01 09 04 00 5A 80 01 09 00 01 09 00 01 09",
        "818004 10 00"}; /* distance before the begin, size above max_block */
    unsigned i;
    begin(m);
    for (i = 0; i < 5; i++) {
        key(m, G_ROWS | G_LZ4, 1, 40, 0, 40 * i, 0), payload(m, wrong[i]);
        damage_last(m, "CORRUPT");
    }
    after(m, 200);
}

static void bad_end_tells(
    g_make *m) { /* the last data block was lost without a trace but for the end block */
    begin(m);
    plain_key(m, 1, 0);
    end(m, 1, 10, 0);
}

static void bad_index_distances(g_make *m) { /* all wrong: they are a cache, no row is lost */
    begin(m);
    plain_key(m, 1, 0);
    g_index_begin(m, 1, 3, 5, 2);
    g_entry(m, 1, m->schema_at[1] + 8, 0, 0, 0, 0),
        g_entry(m, 0x42, m->schema_at[1], 1, 7, 1000, 20);
    g_span(m, 3, 3, 900, 20), block_end(m);
    plain_key(m, 1, 3);
    end(m, 1, 6, 0);
}

static void bad_index(
    g_make *m) { /* content that ends too early: CORRUPT, the rows behind it are read */
    begin(m);
    plain_key(m, 1, 0);
    g_index_begin(m, 1, 0, 0, 2);
    g_entry(m, 1, m->schema_at[1], 0, 0, 0, 0), block_end(m);
    plain_key(m, 1, 3);
    end(m, 1, 6, 0);
}

static void bad_text_file(g_make *m) {
    g_raw(&m->out, "time,value\n1,2\n", 15);
    damage(m, "CORRUPT", 0, 15);
}

static void bad_empty(g_make *m) { (void)m; }

static void bad_only_half_a_header(g_make *m) {
    header(m);
    m->out.n = 50;
    damage(m, "TRUNCATED", 0, 50);
}

/* A cycle of the clean things on a wire with every byte of noise between two blocks. */
static void bad_wire_noise(g_make *m) {
    size_t at;
    unsigned i;
    wire(m);
    begin(m);
    plain_key(m, 1, 0);
    at = m->out.n;
    for (i = 1; i < 256; i++) g_u8(&m->out, i * 37 & 255);
    damage(m, "CORRUPT", at, m->out.n - at);
    plain_more(m, 1, 3);
    end(m, 1, 6, 0);
}

/* The payload of a KEY block is wrong: with a header check of 16 bits its numbers are not believed. */
static void bad_wire_payload(g_make *m) {
    wire(m);
    begin(m);
    plain_key(m, 1, 0);
    m->tweak.payload_check = 1;
    plain_key(m, 1, 3);
    damage_last(m, "CORRUPT");
    damage(m, "CORRUPT", m->out.n, 0); /* its seq neither: a gap in front of the next block */
    plain_more(m, 1, 3);
    after(m, 9);
}

/* The same at the end: nothing behind it tells its numbers. */
static void bad_wire_payload_at_end(g_make *m) {
    wire(m);
    begin(m);
    plain_key(m, 1, 0);
    m->tweak.payload_check = 1;
    plain_key(m, 1, 3);
    damage_last(m, "CORRUPT");
}

/* The block of rows 3 to 5 is damaged, of which the zone has 4 and 5; row 7 is of an older generation. */
static void bad_journal(g_make *m) {
    size_t slot, row;
    (void)zone_header(m, 1, 1);
    slot = zone_slot(m, 4, 40 + 40 + 32), zone_row(m, 4, 4, 0), zone_row(m, 4, 5, 0), zone_row(m, 4, 6, 40);
    zone_slot_end(m, slot);
    slot = zone_slot(m, 5, 40 + 32), row = m->out.n + 40;
    zone_row(m, 5, 8, 0), zone_row(m, 3, 9, 40), zone_slot_end(m, slot);
    plain_schema(m, 1, "plain");
    plain_key(m, 1, 0);
    m->tweak.payload_check = 1;
    plain_key(m, 1, 3);
    damage_last(m, "CORRUPT");
    damage(m, "CORRUPT", row, 32);
}

/* ------------------------------------------------------------------------------ the list ---- */

/* File (with - for _) and what it is, in one sentence. */
#define G_FILES(X) \
    X(good_header_only, "A stream header and nothing else.") \
    X(good_minimal, "One schema, one KEY block of three rows, an end block.") \
    X(good_header_variant, "Minor version 7, a header of 192 bytes, alignment 64, XXH32 payload hashes, unknown compatible and read-only bits, a file number and a time before 1970.") \
    X(good_groups, "Two streams in turn, KEY blocks and blocks that continue them, TIMES with and without DISORDER, falling times.") \
    X(good_tokens, "Tokens 0 to 3, time residuals up to 64 bits, times that wrap around.") \
    X(good_tags, "Each of the 16 tags for an integer and for a float of 8 bytes.") \
    X(good_types, "Every field type, labels, units, scaling, arrays of numbers and of structs.") \
    X(good_optional, "Optional fields and an optional struct with an optional field and counters in it, blocks with and without ALL_PRESENT.") \
    X(good_wide, "100 columns: runs of unchanged groups at the begin, in the middle and to the end of a row.") \
    X(good_no_columns, "A schema without fields: only times.") \
    X(good_text, "Prefixes of chars, bytes, string and blob; empty, full and cut values.") \
    X(good_events, "Clocks, losses, clock syncs, metadata of every type and annotations, with extreme values.") \
    X(good_newer_minor, "What a later minor version may append to fields and payloads, and unknown block types that say SKIP.") \
    X(good_wire, "The wire profile: short sync and check, no alignment, header, schema and clock announced again.") \
    X(good_wire_joined, "A wire joined late: the first block is number 4711 and the first row number 1,000,000, and nothing is missing.") \
    X(good_repeats, "Blocks seen twice and rows told twice are delivered once.") \
    X(good_free_space, "Runs of 00 and FF between header and blocks and behind them.") \
    X(good_cat, "Two files of a sequence behind each other, the second with a chain block and no end.") \
    X(good_appended, "A second part appended behind an end block.") \
    X(good_foreign, "A stream with an opaque encoding: one blob per row.") \
    X(good_lz4, "LZ4 over a schema and a rows block.") \
    X(good_large_numbers, "The largest stream id, rows numbered from 2^40, times from the least i64.") \
    X(good_index, "Index blocks of two levels, one without data, and the end block that points at them.") \
    X(unsupported_block_type, "Blocks of unknown types without SKIP: told, and read past.") \
    X(unsupported_kind_bits, "LZ4 on a loss block, KEY on an annotation.") \
    X(unsupported_row_flags, "A reserved flag of a data block; its rows and those that continue it are lost.") \
    X(unsupported_token, "Token 3 with reserved bits in the second row: the first row stands.") \
    X(unsupported_flags, "Reserved flags of a loss and of a sync, an unknown clock domain.") \
    X(unsupported_metadata, "A metadata value of an unknown type: the entries before it stand.") \
    X(unsupported_schema, "A schema encoding of version 2.") \
    X(unsupported_session, "Three sessions, the second of major version 2: skipped up to the third.") \
    X(unsupported_major, "Major version 2.") \
    X(unsupported_incompatible, "An unknown incompatible flag.") \
    X(unsupported_hash, "An unknown payload hash.") \
    X(unsupported_columns, "A block in the columns coding of a newer kind: a reserved bit of its form.") \
    X(good_mini, "Two blocks in the mini coding, the second continues the first.") \
    X(good_mini_idle, "Forty rows in the mini coding in which nothing changes, in one block.") \
    X(bad_mini_rows, "Thirty-three rows in one block of the mini coding, and an item.") \
    X(good_attachments, "An attachment in three chunks, another one of no bytes between them.") \
    X(bad_attachment_hash, "An attachment whose last byte is not the one that its hash was made of.") \
    X(bad_attachments, "Chunks without id, byte, hash, beyond their total, short of it; an unknown flag.") \
    X(good_journal, "A journal zone of a writer that was killed: two rows that a block holds as well, three that only the zone has, one of these a repeat.") \
    X(good_journal_closed, "A closed journal zone, with bytes of a row that does not count.") \
    X(unsupported_journal, "A journal zone of layout 2.") \
    X(bad_journal, "A damaged block of which the zone has two rows, a row that neither has, a row whose check is that of an older generation.") \
    X(bad_mask, "A mask bit beyond the last column: the rows before it stand.") \
    X(bad_mask_run, "A run of unchanged groups beyond the last group.") \
    X(bad_tag_width, "A tag of three bytes for a u16.") \
    X(bad_tag_float, "A tag of five high bytes for an f32.") \
    X(bad_tag_nibble, "An odd number of tags whose last nibble is not 0.") \
    X(bad_token_empty_run, "A run of no rows.") \
    X(bad_token_long_run, "A run of more rows than the block has.") \
    X(bad_token_cut, "A payload that ends one row too early.") \
    X(bad_rows_left_over, "A payload with a byte behind the last row: the rows stand, the next block cannot go on from them.") \
    X(bad_varint, "A token in more bytes than it needs.") \
    X(bad_varint_long, "A number of more than 64 bits.") \
    X(bad_first_time, "The first row of a KEY block is not at its base time.") \
    X(bad_absent_column, "A value for a column that is absent.") \
    X(bad_text_prefix, "A string that keeps more bytes than the one before it had.") \
    X(bad_text_length, "A string longer than its field.") \
    X(bad_chars_length, "Characters beyond the end of their field.") \
    X(bad_chars_bytes, "A text that ends behind the payload.") \
    X(bad_header_check, "A KEY block with a wrong header check: its rows and those that continue it are lost.") \
    X(bad_payload_check, "A KEY block with a wrong payload check: the row numbers in its header still count.") \
    X(bad_foreign_session, "Two blocks of another session between two of this one.") \
    X(bad_missing_key, "A KEY block is not there, and the block that continues it would fit behind the KEY block before.") \
    X(bad_missing_key_at_end, "Blocks whose KEY block is not there at the end of the stream: how many rows are lost is a lower bound.") \
    X(bad_sequence_gap, "A block is not there, no row is missing.") \
    X(bad_rows_gap, "Row numbers jump from 3 to 100.") \
    X(bad_first_block_lost, "The first block is number 1, the first row number 2.") \
    X(bad_tag, "The tag of a KEY block is not that of the schema.") \
    X(bad_no_schema, "Rows of a stream without a schema.") \
    X(bad_no_rows, "A data block of 0 rows.") \
    X(bad_row_overflow, "Row numbers beyond 2^64.") \
    X(bad_distance, "A block that continues itself: distance 0.") \
    X(bad_fields_varint, "A good header check over a sequence number in more bytes than it needs.") \
    X(bad_fields_short, "A good header check over fields without a length.") \
    X(bad_length, "Lengths above max_block: one too large by a little, one of 64 bits.") \
    X(bad_length_over_next, "A length that swallows the blocks behind it; they are found.") \
    X(bad_padding, "A padding byte is not 0: told, no row is lost.") \
    X(bad_cut_sync, "The stream ends in the sync of a block.") \
    X(bad_cut_header, "The stream ends in the header of a block.") \
    X(bad_cut_payload, "The stream ends in the payload of a block.") \
    X(bad_cut_padding, "The stream ends in the padding of a block.") \
    X(bad_cut_stream_header, "The stream ends in the header of a second session.") \
    X(bad_cut_then_cat, "A stream cut in a block, and a second session behind it.") \
    X(bad_cut_padding_then_cat, "A stream cut in the padding of its last block, and a second session right behind it: nothing is lost.") \
    X(bad_header_again, "The stream header comes again with another creation time.") \
    X(bad_second_header, "The header of a second session with a wrong check: the first session goes on.") \
    X(bad_garbage, "Text before the first header, between blocks and at the end.") \
    X(bad_header_values, "Eight stream headers with a limit out of range, then a good one.") \
    X(bad_redefinition, "A stream id used for a second schema, a stream name for a second id: the first ones stay.") \
    X(bad_clock, "A clock id used twice, 0 Hz, a division by 0, 65 bits.") \
    X(bad_schema, "A wrong fingerprint, a cut encoding, a field of type 0, a row above max_row; the id is free for the good one behind.") \
    X(bad_events, "Losses, syncs, metadata and annotations that are cut or out of range.") \
    X(bad_lz4, "LZ4 blocks without a size, cut, too short, with a wrong distance, above max_block.") \
    X(bad_end_tells, "The end block knows of rows that no block holds.") \
    X(bad_index_distances, "An index full of wrong distances and times: no damage, a reader does without.") \
    X(bad_index, "An index that ends too early: no damage either.") \
    X(bad_text_file, "A CSV file.") \
    X(bad_empty, "No bytes at all.") \
    X(bad_only_half_a_header, "Half a stream header.") \
    X(bad_wire_noise, "255 bytes of noise on a wire.") \
    X(bad_wire_payload, "A wire block with a wrong payload check: its header check has 16 bits only, so its numbers are not believed and a gap is told in front of the next block.") \
    X(bad_wire_payload_at_end, "The same at the end of the stream: its rows are a lower bound.")

typedef struct g_file {
    const char *name, *what;
    void (*make)(g_make *m);
} g_file;

#define G_ENTRY(name, what) {#name, what, name},
static const g_file g_files[] = {G_FILES(G_ENTRY)};
#undef G_ENTRY
#define G_FILE_COUNT (sizeof g_files / sizeof g_files[0])

static void g_run(const g_file *f, g_make *m) {
    g_init(m);
    f->make(m);
    g_u8(&m->expect, 0);
}

static void g_done(g_make *m) {
    g_free(&m->out), g_free(&m->expect), g_free(&m->fields), g_free(&m->payload);
}

#ifdef GOLDEN_MAKE_MAIN
int main(int argc, char **argv) { /* golden_make folder: writes them all */
    size_t i;
    for (i = 0; i < G_FILE_COUNT && argc == 2; i++) {
        char path[512];
        g_make m;
        FILE *f;
        snprintf(path, sizeof path, "%s/%s.tlm", argv[1], g_files[i].name);
        g_run(&g_files[i], &m);
        f = fopen(path, "wb");
        if (!f) return perror(path), 1;
        fwrite(m.out.p, 1, m.out.n, f), fclose(f);
        printf("%s | %s\n", g_files[i].name, (char *)m.expect.p);
        g_done(&m);
    }
    return 0;
}
#endif
