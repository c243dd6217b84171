/* decoder.h - the second decoder of the telem stream format, written from the text alone: the
   manual of telem_file.h (section numbers below are its own) and of telem_schema.h (row form,
   canonical encoding). It shares no line with the library. Where they disagree, the text decides.

   It takes a whole stream in memory, any bytes, and gives the canonical dump as text:
       decoder d;
       decoder_run(&d, bytes, size, 0);        d.text, d.length
       decoder_free(&d);
   A line that begins with a word says what a reader delivers (session, clock, stream, row, loss,
   sync, metadata, annotation, end, missing, damage); an indented line tells details that a reader
   may keep to itself (schema fields, index and chain content and whether it is true, attachments,
   repeats). Section 8 is decoder_columns.h.
   Alone: cc -DDECODER_MAIN -x c tests/decoder.h -o decoder -llz4; ./decoder tests/golden/x.tlm */
#ifndef DECODER_H
#define DECODER_H
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>
#ifndef TELEM_NO_LZ4
#include <lz4.h>
#endif

#define DECODER_TEXT_MAX ((size_t)64 << 20) /* a few bytes can stand for a million rows */
#define DECODER_ROWS_MAX ((size_t)256 << 20) /* memory for row forms */

enum { D_OK, D_CORRUPT, D_TRUNCATED, D_UNSUPPORTED };
enum { /* block types, section 4 */
    D_SCHEMA = 1, D_ROWS, D_COLUMNS, D_MINI, D_LOSS, D_SYNC, D_METADATA, D_ANNOTATION,
    D_ATTACHMENT, D_CLOCK, D_INDEX, D_END, D_CHAIN
};
enum { D_BOOL = 1, D_U8, D_U16, D_U32, D_U64, D_I8, D_I16, D_I32, D_I64, D_F16, D_BF16, D_F32,
       D_F64, D_ENUM8, D_ENUM16, D_ENUM32, D_BITS8, D_BITS16, D_BITS32, D_CHARS, D_BYTES, D_STRING,
       D_BLOB, D_STRUCT };

typedef struct d_column {
    uint32_t type, width, at; /* at: offset in the row form */
    uint32_t cover;           /* 1 + the presence column that covers this one; 0: none */
    uint8_t presence, counter, decimals;
} d_column;

typedef struct d_stream {
    struct d_stream *next;
    uint64_t id, start_row, fingerprint, expected; /* expected: one past the last delivered row */
    uint64_t first_counted; /* what expected began with */
    uint64_t known;   /* rows up to here exist, as some header, index or end block says */
    uint64_t unknown; /* undecodable rows whose numbers are not known */
    int declared;
    int counted; /* expected is known, from the schema or a block seen before it */
    uint8_t *schema_payload;
    size_t schema_size;
    char *name;
    d_column *columns;
    uint32_t column_count, row_size;
    /* the group: a KEY block and what continues it */
    int key_known, type; /* key_known: its header was read; type 0: nothing decoded to go on from */
    uint64_t key_seq, key_row, next_row;
    int64_t key_time, time, step;
    uint8_t *row, *out;        /* P of section 6, the row to deliver */
    int32_t *diff;             /* mini coding: e of the time and of each column */
    uint32_t *k;               /* and of decimals the last k */
    uint8_t *mode;             /* 0: no item yet, 1 by bits, 2 by k */
} d_stream;

typedef struct d_seen { /* a block that passed, for the checks of index and end */
    uint64_t at, stream, first_row, rows;
    int64_t min, max;
    uint8_t kind, level;
    int decoded;
} d_seen;

typedef struct d_clock {
    struct d_clock *next;
    uint64_t id;
    uint8_t *payload;
    size_t size;
} d_clock;

typedef struct d_attached { /* one that began and has not ended */
    struct d_attached *next;
    uint64_t id, at, total; /* at: bytes so far; total: all bits set: unknown */
    uint8_t *bytes, *head;  /* head: name and media type as they stand in the block */
    size_t head_size;
    int broken;
} d_attached;

typedef struct decoder {
    const uint8_t *bytes;
    size_t size;
    unsigned skip_types; /* bit t: answer UNSUPPORTED to blocks of type t */
    char *text;
    size_t length, capacity, row_memory;
    int full;
    /* of the session */
    int session; /* a header was read and understood */
    const uint8_t *header;
    uint32_t header_size, S, max_block, max_row, max_streams, max_columns;
    size_t A;
    int wire, payload_hash;
    int joined, late; /* a block was seen; a wire, and it was not the session's first one */
    uint64_t next_seq;
    d_stream *streams;
    d_clock *clocks;
    d_attached *attached;
    d_seen *seen;
    size_t seen_count, seen_cap;
    const uint8_t *zone; /* the journal zone; NULL: none, closed or no good */
    uint32_t slots, slot_bytes;
    /* damage that is still growing */
    int bad;
    size_t bad_at;
} decoder;

/* ------------------------------------------------------------------------------ text ---- */

static void d_append(decoder *d, const char *text, size_t n) {
    if (n > DECODER_TEXT_MAX - d->length) { d->full = 1; return; }
    if (d->length + n + 1 > d->capacity) {
        d->capacity = (d->length + n) * 2 + 1024;
        d->text = (char *)realloc(d->text, d->capacity);
    }
    memcpy(d->text + d->length, text, n);
    d->text[d->length += n] = 0;
}

static void d_put(decoder *d, const char *format, ...) { /* lines below 512 bytes */
    va_list list;
    char line[512];
    int n;
    va_start(list, format);
    n = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (n >= 0) d_append(d, line, (size_t)n);
}

static void d_put_hex(decoder *d, const uint8_t *p, size_t n) {
    static const char digit[] = "0123456789abcdef";
    char two[2];
    size_t i;
    for (i = 0; i < n && !d->full; i++) {
        two[0] = digit[p[i] >> 4], two[1] = digit[p[i] & 15];
        d_append(d, two, 2);
    }
}

static void d_put_text(decoder *d, const uint8_t *p, size_t n) { /* quoted, escaped */
    size_t i;
    d_put(d, "\"");
    for (i = 0; i < n && !d->full; i++)
        if (p[i] >= 0x20 && p[i] < 0x7F && p[i] != '"' && p[i] != '\\') d_put(d, "%c", p[i]);
        else d_put(d, "\\x%02x", (unsigned)p[i]);
    d_put(d, "\"");
}

static const char *d_code_name(int code) {
    static const char *const names[] = {"OK", "CORRUPT", "TRUNCATED", "UNSUPPORTED"};
    return names[code & 3];
}

static void d_damage(decoder *d, int code, size_t at, size_t bytes) {
    d_put(d, "damage %s %lu %lu\n", d_code_name(code), (unsigned long)at, (unsigned long)bytes);
}

/* ------------------------------------------------------------- section 1: numbers, strings ---- */

typedef struct d_cur { /* reads beyond the end or a bad number: bad sticks, zeros come */
    const uint8_t *p, *end;
    int bad;
} d_cur;

static d_cur d_cursor(const uint8_t *p, size_t n) {
    d_cur c;
    c.p = p, c.end = p + n, c.bad = D_OK;
    return c;
}

static size_t d_left(const d_cur *c) { return c->bad ? 0 : (size_t)(c->end - c->p); }

static int d_fail(d_cur *c, int code) { return c->bad = c->bad ? c->bad : code; }

static const uint8_t *d_take(d_cur *c, uint64_t n) {
    const uint8_t *p = c->p;
    if (n > d_left(c)) { d_fail(c, D_CORRUPT); return NULL; }
    c->p += n;
    return p;
}

static uint64_t d_le(const uint8_t *p, uint32_t bytes) {
    uint64_t v = 0;
    while (bytes--) v = v << 8 | p[bytes];
    return v;
}

static void d_put_le(uint8_t *p, uint32_t bytes, uint64_t v) {
    for (; bytes--; v >>= 8) *p++ = (uint8_t)v;
}

static uint64_t d_int(d_cur *c, uint32_t bytes) {
    const uint8_t *p = d_take(c, bytes);
    return p ? d_le(p, bytes) : 0;
}

static uint64_t d_varint(d_cur *c) { /* the shortest form only */
    uint64_t v = 0;
    unsigned shift;
    for (shift = 0; shift < 70; shift += 7) {
        uint64_t byte = d_int(c, 1);
        if (c->bad || (shift == 63 && byte > 1)) break;
        v |= (byte & 127) << shift;
        if (byte < 128) {
            if (byte == 0 && shift > 0) break;
            return v;
        }
    }
    d_fail(c, D_CORRUPT);
    return 0;
}

static uint64_t d_range(d_cur *c, uint64_t min, uint64_t max) {
    uint64_t v = d_varint(c);
    if (v < min || v > max) d_fail(c, D_CORRUPT);
    return c->bad ? min : v;
}

static int64_t d_signed(uint64_t v) {
    return v >> 63 ? -(int64_t)(~v) - 1 : (int64_t)v;
}

static uint64_t d_unzigzag(uint64_t z) { return z & 1 ? ~(z >> 1) : z >> 1; }

static int64_t d_add(int64_t a, uint64_t b) { return d_signed((uint64_t)a + b); } /* modulo 2^64 */

static int64_t d_svarint(d_cur *c) { return d_signed(d_unzigzag(d_varint(c))); }

typedef struct d_str {
    const uint8_t *p;
    size_t n;
} d_str;

static d_str d_string(d_cur *c, uint64_t min, uint64_t max) {
    d_str s;
    s.n = (size_t)d_range(c, min, max);
    s.p = d_take(c, s.n);
    if (!s.p) s.n = 0;
    return s;
}

static void d_put_name(decoder *d, d_str s) { /* for C: up to a NUL */
    size_t n = 0;
    while (n < s.n && s.p[n]) n++;
    d_put_text(d, s.p, n);
}

static int d_same(const uint8_t *a, size_t n, const uint8_t *b, size_t m) {
    return n == m && (n == 0 || memcmp(a, b, n) == 0);
}

static uint8_t *d_copy(const uint8_t *p, size_t n) {
    uint8_t *q = (uint8_t *)malloc(n + 1);
    if (n) memcpy(q, p, n);
    q[n] = 0;
    return q;
}

/* --------------------------------------------- canonical encoding (manual of telem_schema.h) ---- */

typedef struct d_shape {
    decoder *d;
    d_column *columns;
    uint32_t count, cap, at, fields;
} d_shape;

static uint32_t d_type_width(uint32_t type, uint32_t size) {
    static const uint8_t width[20] = {0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 1, 2, 4, 1, 2, 4};
    if (type < 20) return width[type];
    return type <= D_BYTES ? size : 4 + size;
}

static int d_push(d_shape *s, uint32_t type, uint32_t width, uint32_t cover) {
    d_column *column;
    if (s->count == 65535 || width > 16777216 - s->at) return D_CORRUPT;
    if (s->count == s->cap) {
        s->cap = s->cap * 2 + 16;
        s->columns = (d_column *)realloc(s->columns, s->cap * sizeof *s->columns);
    }
    column = &s->columns[s->count++];
    memset(column, 0, sizeof *column);
    column->type = type, column->width = width, column->at = s->at, column->cover = cover;
    s->at += width;
    return D_OK;
}

/* The columns from `from` on are one element: count - 1 more of them follow. */
static int d_repeat(d_shape *s, uint32_t from, uint64_t count) {
    uint32_t columns = s->count - from, i;
    for (; count > 1; count--)
        for (i = 0; i < columns; i++) {
            d_column old = s->columns[s->count - columns];
            if (d_push(s, old.type, old.width, old.cover)) return D_CORRUPT;
            if (old.cover > from) s->columns[s->count - 1].cover += columns;
            s->columns[s->count - 1].presence = old.presence;
            s->columns[s->count - 1].counter = old.counter;
            s->columns[s->count - 1].decimals = old.decimals;
        }
    return D_OK;
}

static int d_is_integer(uint32_t t) {
    return (t >= D_U8 && t <= D_I64) || (t >= D_ENUM8 && t <= D_BITS32);
}
static int d_is_float(uint32_t t) { return t >= D_F16 && t <= D_F64; }
static int d_is_text(uint32_t t) { return t >= D_CHARS && t <= D_BLOB; }

static d_str d_name(d_cur *c, uint64_t min) { /* 1..255 bytes (units: 0..), no control characters */
    d_str s = d_string(c, min, 255);
    size_t i;
    for (i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] == 0x7F) d_fail(c, D_CORRUPT);
    return s;
}

static void d_labels(decoder *d, d_cur *c, uint32_t type) {
    uint64_t n = d_range(c, 0, 65535);
    uint32_t bits = 8 * d_type_width(type, 0);
    uint64_t max = type >= D_BITS8 ? bits - 1 : ((uint64_t)1 << bits) - 1;
    for (; n > 0 && !c->bad; n--) {
        uint64_t value = d_range(c, 0, max);
        d_str label = d_name(c, 1);
        d_put(d, " %" PRIu64 "=", value);
        d_put_text(d, label.p, label.n);
    }
}

/* Finite, scale not 0, bias not -0, at most 18 decimals, not all of them the default. */
static int d_scaling_is_canonical(uint32_t type, uint64_t scale, uint64_t bias, uint64_t decimals) {
    const uint64_t inf = 0x7FF0000000000000u, one = 0x3FF0000000000000u;
    return type >= D_U8 && type <= D_F64 && (scale & inf) != inf && (bias & inf) != inf &&
           scale << 1 != 0 && bias != (uint64_t)1 << 63 && decimals <= 19 &&
           (scale != one || bias != 0 || decimals != 0);
}

static void d_struct(d_shape *s, d_cur *c, int depth, uint32_t cover);

static void d_field(d_shape *s, d_cur *c, int depth, uint32_t cover) {
    uint32_t type = (uint32_t)d_int(c, 1), flags = (uint32_t)d_int(c, 1), size = 0, from;
    d_str name = d_name(c, 1), unit = d_name(c, 0);
    uint64_t count = flags & 0x40 ? d_range(c, 1, 65535) : 1;
    if (type < D_BOOL || type > D_STRUCT) d_fail(c, type ? D_UNSUPPORTED : D_CORRUPT);
    if ((flags & 0x04) && (type < D_U8 || type > D_I64)) d_fail(c, D_CORRUPT);
    if (d_is_text(type)) size = (uint32_t)d_range(c, 1, 16777216);
    if (c->bad) return;
    s->fields++;
    d_put(s->d, "  field %d %u ", depth, (unsigned)type);
    d_put_text(s->d, name.p, name.n);
    d_put(s->d, " ");
    d_put_text(s->d, unit.p, unit.n);
    d_put(s->d, " flags %02x count %" PRIu64 " size %u", (unsigned)(flags & 0x7F), count,
          (unsigned)size);
    if (flags & 0x01) { /* presence byte, then the value */
        if (d_push(s, D_BOOL, 1, cover)) { d_fail(c, D_CORRUPT); return; }
        s->columns[s->count - 1].presence = 1;
        cover = s->count;
    }
    from = s->count;
    if (type >= D_ENUM8 && type <= D_BITS32) d_labels(s->d, c, type);
    if (type != D_STRUCT) {
        if (d_push(s, type, d_type_width(type, size), cover)) { d_fail(c, D_CORRUPT); return; }
        s->columns[s->count - 1].counter = (flags & 0x04) != 0;
    } else {
        d_put(s->d, "\n");
        d_struct(s, c, depth + 1, cover);
    }
    if (flags & 0x80) {
        uint64_t scale = d_int(c, 8), bias = d_int(c, 8), decimals = d_int(c, 1);
        d_put(s->d, " scale %016" PRIx64 " bias %016" PRIx64 " decimals %u", scale, bias,
              (unsigned)decimals);
        s->columns[from].decimals = (uint8_t)decimals;
        if (!d_scaling_is_canonical(type, scale, bias, decimals)) d_fail(c, D_CORRUPT);
    }
    if (!c->bad && d_repeat(s, from, count)) d_fail(c, D_CORRUPT);
    if (type != D_STRUCT) d_put(s->d, "\n");
}

static void d_struct(d_shape *s, d_cur *c, int depth, uint32_t cover) {
    d_str name = d_name(c, 1);
    uint64_t n = d_range(c, depth > 1, 65535);
    if (depth > 8) d_fail(c, D_CORRUPT);
    if (c->bad) return;
    d_put(s->d, "  struct %d ", depth);
    d_put_text(s->d, name.p, name.n);
    d_put(s->d, "\n");
    while (n-- > 0 && !c->bad) d_field(s, c, depth, cover);
}

static uint64_t d_fingerprint(const uint8_t *p, size_t n) {
    return XXH32(p, n, 0) | (uint64_t)XXH32(p, n, 0x9E3779B1u) << 32;
}

static int d_schema_decode(d_shape *s, const uint8_t *p, size_t n, uint64_t *fingerprint) {
    d_cur c = d_cursor(p, n), identity;
    uint64_t version = d_int(&c, 1), size, i;
    if (!c.bad && version != 1) return D_UNSUPPORTED;
    size = d_varint(&c);
    identity.p = d_take(&c, size);
    if (!identity.p) return D_CORRUPT;
    *fingerprint = d_fingerprint(identity.p, (size_t)size);
    identity = d_cursor(identity.p, (size_t)size);
    d_struct(s, &identity, 1, 0);
    if (identity.bad || d_left(&identity)) return D_CORRUPT;
    if (d_varint(&c) != d_left(&c) || c.bad) return D_CORRUPT; /* extra is the rest */
    for (i = 0; i <= s->fields; i++) { /* the schema's own desc, then three texts per field */
        int k, texts = i ? 3 : 1;
        for (k = 0; k < texts; k++) {
            d_str text = d_string(&c, 0, 4096);
            if (text.n && memchr(text.p, 0, text.n)) d_fail(&c, D_CORRUPT);
            if (text.n) {
                d_put(s->d, "  extra %lu.%d ", (unsigned long)i, k);
                d_put_text(s->d, text.p, text.n);
                d_put(s->d, "\n");
            }
        }
        if (i == 0) {
            uint64_t major = d_range(&c, 0, 65535), minor = d_range(&c, 0, 65535);
            d_put(s->d, "  version %" PRIu64 ".%" PRIu64 ".%" PRIu64 "\n", major, minor,
                  d_range(&c, 0, 65535));
        }
        if (c.bad) return c.bad;
    }
    return d_left(&c) ? D_CORRUPT : D_OK;
}

/* ------------------------------------------------------------------- section 4: the frame ---- */

typedef struct d_block {
    size_t at, header, size;  /* header: bytes up to and with its check; size: with the last pad */
    const uint8_t *payload, *pad;
    uint64_t len, seq;
    uint32_t H;
    size_t dirty[2]; /* where padding begins that is not 0; 0: none */
    uint8_t kind, type;
    int readable; /* the header is good and seq can be read */
    d_cur fields, body; /* body: the payload, expanded when it is LZ4 */
} d_block;

static size_t d_align(const decoder *d, size_t x) { return (x + d->A - 1) / d->A * d->A; }

typedef struct d_head { /* the fields of section 5 */
    uint64_t stream, rows, flags, tag, first_row, distance, offset;
    int64_t base;
    int key, known; /* known: what tells row numbers can be read */
} d_head;

static int d_data_fields(d_block *b, d_head *h) {
    d_cur *c = &b->fields;
    memset(h, 0, sizeof *h);
    h->key = (b->kind & 0x40) != 0;
    h->stream = d_range(c, 0, 0xFFFFFFFEu);
    h->rows = d_range(c, 1, 1048576);
    h->flags = d_varint(c);
    if (h->key) {
        h->tag = d_int(c, 2), h->first_row = d_varint(c), h->base = d_svarint(c);
    } else {
        h->distance = d_range(c, 1, UINT64_MAX), h->offset = d_varint(c);
    }
    if (h->key ? h->first_row + h->rows < h->rows : h->distance > b->seq) d_fail(c, D_CORRUPT);
    h->known = !c->bad;
    if (h->flags & 1) { /* TIMES: hints, only their form is looked at */
        if (!h->key) d_svarint(c);
        d_varint(c);
        if (h->flags & 2) d_varint(c);
    }
    return !c->bad && h->flags & ~(uint64_t)7 ? D_UNSUPPORTED : c->bad;
}

/* The fields of a data block; the others' are looked at with the payload. */
static int d_fields(d_block *b) {
    d_cur before = b->fields;
    d_head head;
    int bad = 0;
    if (b->type >= D_ROWS && b->type <= D_MINI) bad = d_data_fields(b, &head) == D_CORRUPT;
    b->fields = before;
    return bad ? D_CORRUPT : D_OK;
}

/* What stands at `at`: D_OK and the block; else D_CORRUPT or D_TRUNCATED, and how many bytes on
   the search continues (b->header: 1, or behind a good header). */
static int d_frame(decoder *d, size_t at, d_block *b) {
    static const uint8_t sync[4] = {0xD7, 0x54, 0x4C, 0x4D};
    size_t sync_size = d->wire ? 2 : 4, rest = d->size - at, i, header;
    const uint8_t *p = d->bytes + at;
    memset(b, 0, sizeof *b);
    b->at = at, b->header = 1;
    if (!d->session) return D_CORRUPT;
    if (memcmp(p, sync, rest < sync_size ? rest : sync_size) != 0) return D_CORRUPT;
    if (rest < sync_size + 2) return D_TRUNCATED;
    header = sync_size + 2 + p[sync_size + 1] + sync_size; /* the check is as long as the sync */
    if (rest < header) return D_TRUNCATED;
    b->H = XXH32(p, header - sync_size, d->S);
    if (d_le(p + header - sync_size, (uint32_t)sync_size) != (d->wire ? b->H & 0xFFFF : b->H))
        return D_CORRUPT;
    b->header = header;
    b->fields = d_cursor(p + sync_size + 2, p[sync_size + 1]);
    b->seq = d_varint(&b->fields);
    if (b->fields.bad) return D_CORRUPT;
    b->kind = p[sync_size], b->type = b->kind & 31, b->readable = 1;
    b->len = d_varint(&b->fields);
    if (b->fields.bad) return D_CORRUPT;
    if (b->len > d->max_block) return D_CORRUPT;
    b->size = d_align(d, d_align(d, header) + (size_t)b->len + 4);
    if (b->size > d->max_block) return D_CORRUPT;
    if (b->size > rest) return D_TRUNCATED;
    b->payload = p + d_align(d, header);
    b->pad = b->payload + b->len + 4;
    b->body = d_cursor(b->payload, (size_t)b->len);
    if (d_le(b->pad - 4, 4) != (d->payload_hash == 1
            ? XXH32(b->payload, (size_t)b->len, b->H)
            : (uint32_t)XXH3_64bits_withSeed(b->payload, (size_t)b->len, b->H))) return D_CORRUPT;
    for (i = header; p + i < b->payload; i++)
        if (p[i]) b->dirty[0] = at + header;
    for (i = (size_t)(b->pad - p); i < b->size; i++)
        if (p[i]) b->dirty[1] = at + (size_t)(b->pad - p);
    return d_fields(b);
}

/* Bit 5. The expanded bytes are the caller's to free; NULL when there was nothing to expand. */
static uint8_t *d_expand(decoder *d, d_block *b, int *code) {
    uint8_t *raw = NULL;
    *code = D_OK;
    if (!(b->kind & 0x20)) return NULL;
#ifdef TELEM_NO_LZ4
    (void)d, *code = D_UNSUPPORTED;
#else
    {
        uint64_t size = d_range(&b->body, 1, d->max_block);
        size_t left = d_left(&b->body);
        *code = D_CORRUPT;
        if (b->body.bad || size > left * 255 + 255) return NULL; /* no LZ4 block does better */
        raw = (uint8_t *)malloc((size_t)size);
        if (LZ4_decompress_safe((const char *)b->body.p, (char *)raw, (int)left, (int)size) ==
            (int)size)
            *code = D_OK;
        b->body = d_cursor(raw, (size_t)size);
    }
#endif
    return raw;
}

/* ------------------------------------------------------------------------- streams, losses ---- */

static d_stream *d_find(decoder *d, uint64_t id) {
    d_stream **link = &d->streams, *s;
    for (; *link; link = &(*link)->next)
        if ((*link)->id == id) return *link;
    s = *link = (d_stream *)calloc(1, sizeof *s);
    s->id = id;
    return s;
}

/* ------------------------------------------------------------------- section 12: journal zone ---- */

typedef struct d_jrow {
    uint64_t number, stream, n;
    int64_t time;
    const uint8_t *row;
    size_t bytes; /* in the slot */
} d_jrow;

/* The header at p; D_OK also where there is nothing to read. */
static int d_journal(decoder *d, const uint8_t *p, size_t n) {
    d_cur c = d_cursor(p, n);
    uint64_t magic = d_int(&c, 4), layout = d_int(&c, 2), slots = d_int(&c, 2),
             session = d_int(&c, 8), size = d_int(&c, 4), check = d_int(&c, 4),
             state = d_int(&c, 4), i;
    d_take(&c, 36);
    for (i = 0; i < 64 && i < n && p[i] == 0; i++) {
    }
    if (i == 64) return D_OK;
    if (c.bad || magic != 0x314A4C54 || check != XXH32(p, 20, d->S)) return D_CORRUPT;
    if (layout != 1) return D_UNSUPPORTED;
    if (slots < 2 || slots > 64 || size < 128 || size > (1u << 28) || size % 64 ||
        session != d_le(d->header + 16, 8) || size * slots > d_left(&c))
        return D_CORRUPT;
    if (state) d->zone = p, d->slots = (uint32_t)slots, d->slot_bytes = (uint32_t)size;
    return D_OK;
}

static const uint8_t *d_slot(const decoder *d, uint32_t generation) {
    return d->zone + 64 + (size_t)(generation % d->slots) * d->slot_bytes;
}

/* Bytes of rows in a slot; *broken when it cannot be so. */
static size_t d_committed(const decoder *d, uint32_t generation, int *broken) {
    size_t n = (size_t)d_le(d_slot(d, generation), 4), most = d->slot_bytes - 64;
    *broken = n > most || n % 8;
    return n > most ? most : n;
}

/* The row at `at`. 0: it does not hold. */
static int d_jrow_at(const decoder *d, uint32_t generation, size_t at, size_t end, d_jrow *r) {
    const uint8_t *p = d_slot(d, generation) + 64 + at;
    d_cur c = d_cursor(p, end - at);
    uint64_t back = 0;
    r->number = d_int(&c, 8), r->time = d_signed(d_int(&c, 8)), r->stream = d_int(&c, 4);
    r->n = d_int(&c, 4);
    if (r->n == 0xFFFFFFFFu) back = d_int(&c, 4);
    else r->row = d_take(&c, r->n), d_take(&c, (4 - r->n % 4) % 4);
    if (c.bad || d_le(c.p, 4) != XXH32(p, (size_t)(c.p - p), d->S ^ generation ^ (uint32_t)d_le(d_slot(d, generation) + 8, 4)))
        return 0;
    d_int(&c, 4), d_take(&c, (8 - (size_t)(c.p - p) % 8) % 8);
    r->bytes = (size_t)(c.p - p);
    if (c.bad || r->n == 0xFFFFFFFFu) {
        d_jrow whole;
        if (c.bad || back < 8 || back > at || d_le(p - back + 20, 4) == 0xFFFFFFFFu ||
            !d_jrow_at(d, generation, at - (size_t)back, end, &whole) || whole.stream != r->stream)
            return 0;
        r->n = whole.n, r->row = whole.row;
    }
    return 1;
}

/* The newest generation. One that would make others too old, and whose first row fails, is none. */
static uint32_t d_newest(const decoder *d) {
    uint32_t most = UINT32_MAX, newest, i;
    do {
        int apart = 0;
        size_t end;
        d_jrow r;
        for (newest = i = 0; i < d->slots; i++) {
            uint32_t g = (uint32_t)d_le(d->zone + 64 + (size_t)i * d->slot_bytes + 4, 4);
            if (g % d->slots == i && g > newest && g <= most) newest = g;
        }
        for (i = 0; i < d->slots; i++) {
            uint32_t g = (uint32_t)d_le(d->zone + 64 + (size_t)i * d->slot_bytes + 4, 4);
            if (g && g % d->slots == i && g < newest && newest - g >= d->slots) apart = 1;
        }
        if (!apart) break;
        end = (size_t)d_le(d_slot(d, newest), 4);
        if (end && end <= d->slot_bytes - 64 && d_jrow_at(d, newest, 0, end, &r)) break;
        most = newest - 1;
    } while (newest);
    return newest;
}

/* The next generation behind one, 0: none. */
static uint32_t d_generation(const decoder *d, uint32_t after) {
    uint32_t i, newest = d_newest(d), next = 0;
    for (i = 0; i < d->slots; i++) {
        uint32_t g = (uint32_t)d_le(d_slot(d, i) + 4, 4);
        if (g % d->slots == i && g <= newest && newest - g < d->slots && g > after && (!next || g < next)) next = g;
    }
    return next;
}

/* Rows from the expected one up to `next` that the zone has are delivered, what is missing before them is told. */
static void d_journal_rows(decoder *d, d_stream *s, uint64_t next) {
    uint32_t g;
    d_jrow r;
    for (g = d->zone ? d_generation(d, 0) : 0; g; g = d_generation(d, g)) {
        int broken;
        size_t at, end = d_committed(d, g, &broken);
        for (at = 0; !broken && at < end && d_jrow_at(d, g, at, end, &r); at += r.bytes) {
            if (r.stream != s->id || !s->declared || r.n != s->row_size || r.number >= next) continue;
            if (!s->counted) s->counted = 1, s->expected = s->first_counted = r.number;
            if (r.number < s->expected) continue;
            if (r.number > s->expected)
                d_put(d, "missing %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", s->id, s->expected,
                      r.number - s->expected);
            d_put(d, "row %" PRIu64 " %" PRIu64 " %" PRId64 " ", s->id, r.number, r.time);
            d_put_hex(d, r.row, (size_t)r.n);
            d_put(d, "\n");
            s->expected = r.number + 1;
        }
    }
}

/* What of the zone does not hold. */
static void d_journal_damage(decoder *d) {
    uint32_t g;
    int told = 0;
    d_jrow r;
    for (g = d->zone ? d_generation(d, 0) : 0; g; g = d_generation(d, g)) {
        int broken;
        size_t at, end = d_committed(d, g, &broken);
        for (at = 0; !broken && at < end && d_jrow_at(d, g, at, end, &r); at += r.bytes) {
            const d_stream *s = d->streams;
            while (s && (s->id != r.stream || !s->declared || s->row_size != r.n)) s = s->next;
            if (!s && !told++)
                d_damage(d, D_CORRUPT, (size_t)(d_slot(d, g) + 64 - d->bytes) + at, r.bytes);
        }
        if (broken || at < end)
            d_damage(d, D_CORRUPT, (size_t)(d_slot(d, g) + 64 - d->bytes) + at, end - at);
    }
}

static void d_missing(decoder *d, d_stream *s, uint64_t next) {
    if (s->counted && next > s->expected) d_journal_rows(d, s, next);
    if (s->counted && next > s->expected) {
        d_put(d, "missing %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", s->id, s->expected,
              next - s->expected);
        s->expected = next;
    }
    s->unknown = 0;
}

/* Rows of a block that is not delivered: they exist. */
static void d_lost(decoder *d, d_stream *s, int numbered, uint64_t first_row, uint64_t rows) {
    s->type = 0;
    if (numbered && !s->counted) /* nothing is known of rows before */
        s->counted = 1, s->expected = s->first_counted = first_row;
    if (numbered && first_row + rows > s->known) s->known = first_row + rows;
    if (numbered) d_missing(d, s, first_row + rows);
    else s->unknown += rows;
}

static void d_session_end(decoder *d) {
    d_stream *s, *next;
    d_clock *k, *next_clock;
    if (d->zone)
        for (s = d->streams; s; s = s->next) d_journal_rows(d, s, UINT64_MAX);
    d_journal_damage(d);
    d->zone = NULL;
    for (s = d->streams; s; s = next) {
        next = s->next;
        if (s->known > s->expected) d_missing(d, s, s->known);
        if (s->unknown && s->counted)
            d_put(d, "missing %" PRIu64 " %" PRIu64 " at least %" PRIu64 "\n", s->id, s->expected,
                  s->unknown);
        free(s->schema_payload), free(s->name), free(s->columns), free(s->row);
        free(s->out), free(s->diff), free(s->k), free(s->mode), free(s);
    }
    for (k = d->clocks; k; k = next_clock) {
        next_clock = k->next;
        free(k->payload), free(k);
    }
    free(d->seen);
    while (d->attached) {
        d_attached *after = d->attached->next;
        free(d->attached->bytes), free(d->attached->head), free(d->attached);
        d->attached = after;
    }
    d->streams = NULL, d->clocks = NULL, d->seen = NULL;
    d->seen_count = d->seen_cap = 0;
    d->next_seq = 0, d->row_memory = 0, d->session = d->joined = d->late = 0, d->header = NULL;
}

static d_seen *d_remember(decoder *d, const d_block *b) {
    d_seen *seen;
    if (d->seen_count == d->seen_cap) {
        d->seen_cap = d->seen_cap * 2 + 64;
        d->seen = (d_seen *)realloc(d->seen, d->seen_cap * sizeof *d->seen);
    }
    seen = &d->seen[d->seen_count++];
    memset(seen, 0, sizeof *seen);
    seen->at = b->at, seen->kind = b->kind;
    return seen;
}

/* ---------------------------------------------------- sections 5 to 8: data blocks and codings ---- */

typedef struct d_table { /* the rows of one block; row 0 is the state that the block before left */
    d_stream *s;
    uint8_t *rows;   /* (count + 1) rows of s->row_size */
    int64_t *times;  /* count + 1 */
    int64_t step, first_step; /* the last step behind the rows and before them */
    uint64_t count;
    uint32_t *live;  /* columns that are numbered: all, or without presence (ALL_PRESENT) */
    uint32_t live_count;
    int key, all_present;
} d_table;

/* Whoever wants to look at a decoded rows block and its payload (test_golden.c encodes it again). */
static void (*d_watch)(const d_table *t, const uint8_t *payload, size_t n);

static uint8_t *d_cell(const d_table *t, uint64_t row, const d_column *column) {
    return t->rows + row * t->s->row_size + column->at;
}

static int d_absent(const d_table *t, uint64_t row, const d_column *column) {
    uint32_t cover = column->cover;
    for (; cover; cover = t->s->columns[cover - 1].cover)
        if (!*d_cell(t, row, &t->s->columns[cover - 1])) return 1;
    return 0;
}

static void d_step_cell(const d_column *column, uint8_t *cell) { /* COUNTER, nothing coded */
    d_put_le(cell, column->width, d_le(cell, column->width) + 1);
}

static void d_text_cell(d_cur *c, const d_column *column, uint8_t *cell) {
    int variable = column->type >= D_STRING;
    uint8_t *text = cell + (variable ? 4 : 0);
    uint64_t size = column->width - (variable ? 4 : 0), p, n;
    const uint8_t *bytes;
    p = d_range(c, 0, variable ? d_le(cell, 4) : size);
    if (p > size) d_fail(c, D_CORRUPT);
    n = c->bad ? 0 : d_range(c, 0, size - p);
    bytes = d_take(c, n);
    if (c->bad) return;
    if (n) memcpy(text + p, bytes, (size_t)n);
    memset(text + p + n, 0, (size_t)(size - p - n));
    if (variable) d_put_le(cell, 4, p + n);
}

static void d_number_cell(d_cur *c, const d_column *column, uint8_t *cell, uint32_t tag) {
    uint32_t n = tag < 8 ? tag + 1 : tag - 7, k = column->width;
    uint64_t old = d_le(cell, k), r;
    if (d_is_integer(column->type)) {
        if (tag < 8 && n > k) { d_fail(c, D_CORRUPT); return; }
        r = tag < 8 ? d_int(c, n) : n;
        d_put_le(cell, k, old + column->counter + d_unzigzag(r));
    } else {
        if (n > k) { d_fail(c, D_CORRUPT); return; }
        r = d_int(c, n);
        d_put_le(cell, k, old ^ (tag < 8 ? r : r << 8 * (k - n)));
    }
}

typedef struct d_mask { /* the groups of eight columns, section 6 */
    uint32_t columns, mask;
    uint64_t skip; /* groups still unchanged */
} d_mask;

static void d_mask_next(d_mask *m, d_cur *c, uint32_t column) { /* at each multiple of 8 */
    uint32_t left = m->columns - column;
    m->mask = 0;
    if (m->skip) { m->skip--; return; }
    m->mask = (uint32_t)d_int(c, 1);
    if (m->mask == 0) m->skip = d_range(c, 0, (left - 1) / 8);
    if (left < 8 && m->mask >> left) d_fail(c, D_CORRUPT);
}

/* The nibbles of one group's coded numbers, one after the other in *tags. */
static void d_tags(const d_table *t, d_cur *c, uint32_t mask, uint32_t first, uint8_t *tags) {
    uint32_t i, n = 0;
    for (i = 0; i < 8; i++)
        if (mask >> i & 1) {
            uint32_t type = t->s->columns[t->live[first + i]].type;
            if (type == D_BOOL || d_is_text(type)) continue;
            if (n % 2 == 0)
                tags[n] = (uint8_t)d_int(c, 1), tags[n + 1] = tags[n] >> 4, tags[n] &= 15;
            n++;
        }
    if (n % 2 && tags[n]) d_fail(c, D_CORRUPT);
}

static void d_row_cells(const d_table *t, d_cur *c, uint64_t row, int changed) {
    d_mask m = {0, 0, 0};
    uint8_t tags[9] = {0}, *tag = tags;
    uint32_t i;
    m.columns = t->live_count;
    for (i = 0; i < t->live_count && !c->bad; i++) {
        const d_column *column = &t->s->columns[t->live[i]];
        uint8_t *cell = d_cell(t, row, column);
        int absent;
        if (changed && i % 8 == 0) {
            d_mask_next(&m, c, i);
            if (!c->bad) d_tags(t, c, m.mask, i, tags);
            if (c->bad) return;
            tag = tags;
        }
        absent = d_absent(t, row, column);
        if (!(m.mask >> i % 8 & 1)) {
            if (column->counter && !absent) d_step_cell(column, cell);
        } else if (absent) d_fail(c, D_CORRUPT);
        else if (column->type == D_BOOL) *cell ^= 1;
        else if (d_is_text(column->type)) d_text_cell(c, column, cell);
        else d_number_cell(c, column, cell, *tag++);
    }
}

/* Row n (from 1) starts as a copy of the one before; its time is the predicted one plus delta. */
static void d_row_begin(d_table *t, uint64_t n, int64_t delta) {
    size_t size = t->s->row_size;
    int64_t time = d_add(d_add(t->times[n - 1], (uint64_t)t->step), (uint64_t)delta);
    memcpy(t->rows + n * size, t->rows + (n - 1) * size, size);
    t->step = t->key && n == 1 ? 0 : d_add(time, 0 - (uint64_t)t->times[n - 1]);
    t->times[n] = time;
}

/* Section 6. Returns how many rows stand: those before a violation. */
static uint64_t d_rows(d_table *t, d_cur *c) {
    uint64_t n = 0;
    while (n < t->count && !c->bad) {
        uint64_t h = d_varint(c), low = h & 3, run = 1;
        int64_t delta = d_signed(d_unzigzag(h >> 2));
        if (low == 3 && h >> 2) d_fail(c, D_UNSUPPORTED);
        if (low == 3) delta = d_svarint(c);
        if (low == 2) delta = 0, run = h >> 2;
        if (run < 1 || run > t->count - n) d_fail(c, D_CORRUPT);
        if (t->key && n == 0 && delta) d_fail(c, D_CORRUPT);
        for (; run > 0 && !c->bad; run--) {
            d_row_begin(t, ++n, delta);
            d_row_cells(t, c, n, low == 0 || low == 3);
            if (c->bad) return n - 1;
        }
    }
    return n;
}

static uint64_t d_bits(const uint8_t *p, size_t size, uint64_t bit, uint32_t n) {
    uint64_t v = 0;
    uint32_t i;
    for (i = 0; i < n && (bit + i) / 8 < size; i++)
        v |= (uint64_t)(p[(bit + i) / 8] >> (bit + i) % 8 & 1) << i;
    return v;
}

/* The order-preserving map of float bits, and back. */
static uint64_t d_map(uint64_t x, uint32_t width, int back) {
    uint64_t sign = (uint64_t)1 << (8 * width - 1), all = sign | (sign - 1);
    if (back) return x & sign ? x ^ sign : ~x & all;
    return x & sign ? ~x & all : x | sign;
}

static int32_t d_cut32(uint64_t v) {
    uint32_t x = (uint32_t)v;
    return x >> 31 ? -(int32_t)(~x) - 1 : (int32_t)x;
}

/* Section 7, one column: `count` residuals of b bits. column NULL: the time. e is kept per column. */
static void d_mini_item(d_table *t, d_cur *c, const d_column *column, int32_t *e) {
    uint32_t head = (uint32_t)d_int(c, 1), b = head & 127, width = column ? column->width : 8;
    int real = column && d_is_float(column->type), linear = (int)(head >> 7);
    uint64_t n, bytes, v, keep = width < 8 ? ((uint64_t)1 << 8 * width) - 1 : UINT64_MAX;
    const uint8_t *p;
    uint8_t *mode = column ? &t->s->mode[column - t->s->columns] : NULL;
    int decimal = b > 64;
    float power = 1;
    if (column && d_is_text(column->type)) {
        if (head) d_fail(c, D_CORRUPT);
        for (n = 1; n <= t->count && !c->bad; n++) {
            memcpy(d_cell(t, n, column), d_cell(t, n - 1, column), width);
            d_text_cell(c, column, d_cell(t, n, column));
        }
        return;
    }
    if (decimal) {
        b -= 65;
        if (!column || column->type != D_F32 || !column->decimals || column->decimals > 10) { d_fail(c, D_CORRUPT); return; }
        for (n = 1; n < column->decimals; n++) power *= 10;
    }
    if (mode && *mode && *mode != 1 + decimal) d_fail(c, D_CORRUPT);
    if (mode) *mode = (uint8_t)(1 + decimal);
    bytes = (t->count * b + 7) / 8;
    p = d_take(c, bytes);
    if (!p) return;
    if (t->count * b % 8 && p[bytes - 1] >> t->count * b % 8) d_fail(c, D_CORRUPT);
    v = column ? d_le(d_cell(t, 0, column), width) : (uint64_t)t->times[0];
    if (decimal) v = t->s->k[column - t->s->columns];
    else if (real) v = d_map(v, width, 0);
    for (n = 1; n <= t->count; n++) {
        uint64_t add = linear ? (uint64_t)(int64_t)*e : column && column->counter ? 1 : 0;
        uint64_t value = (v + add + d_unzigzag(d_bits(p, (size_t)bytes, (n - 1) * b, b))) & keep;
        *e = d_cut32(value - v);
        v = value;
        if (column && column->type == D_BOOL && v > 1) d_fail(c, D_CORRUPT);
        if (decimal) {
            float f = (float)d_cut32(v) / power;
            uint32_t bits;
            memcpy(&bits, &f, 4);
            t->s->k[column - t->s->columns] = (uint32_t)v;
            d_put_le(d_cell(t, n, column), 4, bits);
        } else if (!column) t->times[n] = d_signed(v);
        else d_put_le(d_cell(t, n, column), width, real ? d_map(v, width, 1) : v);
    }
}

static void d_mini_idle(d_table *t, const d_column *column, int32_t *e) {
    uint64_t n;
    if (column) *e = column->counter;
    for (n = 1; n <= t->count; n++) {
        if (!column) { t->times[n] = d_add(t->times[n - 1], (uint64_t)(int64_t)*e); continue; }
        memcpy(d_cell(t, n, column), d_cell(t, n - 1, column), column->width);
        if (column->counter) d_step_cell(column, d_cell(t, n, column));
    }
}

static void d_mini(d_table *t, d_cur *c) {
    d_mask m = {0, 0, 0};
    uint32_t i;
    for (i = 0; t->all_present && i < t->s->column_count; i++) {
        const d_column *column = &t->s->columns[i];
        uint64_t n;
        if (!column->presence) continue;
        for (n = 1; n <= t->count; n++) *d_cell(t, n, column) = 1;
        t->s->diff[i + 1] = 0;
    }
    m.columns = t->live_count + 1;
    for (i = 0; i < m.columns && !c->bad; i++) {
        const d_column *column = i ? &t->s->columns[t->live[i - 1]] : NULL;
        int32_t *e = &t->s->diff[i ? t->live[i - 1] + 1 : 0];
        if (i % 8 == 0) d_mask_next(&m, c, i);
        if (m.mask >> i % 8 & 1 && t->count > 32) d_fail(c, D_CORRUPT);
        else if (m.mask >> i % 8 & 1) d_mini_item(t, c, column, e);
        else d_mini_idle(t, column, e);
    }
}

#include "decoder_columns.h"

static int d_table_open(d_table *t, d_stream *s, uint64_t count, int key, int all_present) {
    uint32_t i;
    memset(t, 0, sizeof *t);
    if ((count + 1) * s->row_size > DECODER_ROWS_MAX) return D_UNSUPPORTED; /* this one's limit */
    t->s = s, t->count = count, t->key = key, t->all_present = all_present;
    t->rows = (uint8_t *)calloc((size_t)count + 1, s->row_size + 1);
    t->times = (int64_t *)calloc((size_t)count + 1, sizeof *t->times);
    t->live = (uint32_t *)calloc(s->column_count + 1, sizeof *t->live);
    if (key) {
        t->times[0] = s->key_time;
        memset(s->diff, 0, (s->column_count + 1) * sizeof *s->diff);
        memset(s->k, 0, (s->column_count + 1) * sizeof *s->k);
        memset(s->mode, 0, s->column_count + 1);
    } else {
        memcpy(t->rows, s->row, s->row_size);
        t->times[0] = s->time, t->step = t->first_step = s->step;
    }
    for (i = 0; i < s->column_count; i++)
        if (all_present && s->columns[i].presence) *d_cell(t, 0, &s->columns[i]) = 1;
        else t->live[t->live_count++] = i;
    return D_OK;
}

/* Rows 1..good are delivered: absent columns as zero bytes. */
static void d_deliver(decoder *d, const d_table *t, uint64_t first_row, uint64_t good) {
    const d_stream *s = t->s;
    uint64_t n;
    uint32_t i;
    for (n = 1; n <= good && !d->full; n++) {
        memcpy(s->out, t->rows + n * s->row_size, s->row_size);
        for (i = 0; i < s->column_count; i++)
            if (d_absent(t, n, &s->columns[i]))
                memset(s->out + s->columns[i].at, 0, s->columns[i].width);
        d_put(d, "row %" PRIu64 " %" PRIu64 " %" PRId64 " ", s->id, first_row + n - 1, t->times[n]);
        d_put_hex(d, s->out, s->row_size);
        d_put(d, "\n");
    }
}

/* The payload: delivers what stands, keeps the state, says what went wrong. */
static int d_data_payload(decoder *d, d_block *b, const d_head *h, d_stream *s, uint64_t first) {
    int code;
    uint8_t *raw = d_expand(d, b, &code);
    uint64_t good = 0, i;
    d_seen *seen = &d->seen[d->seen_count - 1];
    d_table t;
    memset(&t, 0, sizeof t);
    if (!code) code = d_table_open(&t, s, h->rows, h->key, (h->flags & 4) != 0);
    if (!code) {
        d_cur all = b->body;
        if (b->type == D_ROWS) good = d_rows(&t, &b->body);
        else if (b->type == D_MINI) d_mini(&t, &b->body);
        else d_columns(d, &t, &b->body);
        if (d_left(&b->body)) d_fail(&b->body, D_CORRUPT);
        code = b->body.bad;
        if (!code) good = t.count;
        if (!code && b->type == D_ROWS && d_watch) d_watch(&t, all.p, d_left(&all));
        d_missing(d, s, first);
        d_deliver(d, &t, first, good);
        s->expected = first + good;
    }
    d_lost(d, s, 1, first, h->rows);
    if (!code) {
        s->type = b->type, s->next_row = first + good;
        memcpy(s->row, t.rows + good * s->row_size, s->row_size);
        s->time = t.times[good], s->step = t.step;
        seen->decoded = 1, seen->min = seen->max = t.times[1];
        for (i = 1; i <= good; i++) {
            if (t.times[i] < seen->min) seen->min = t.times[i];
            if (t.times[i] > seen->max) seen->max = t.times[i];
        }
    }
    free(t.rows), free(t.times), free(t.live), free(raw);
    return code;
}

/* whole 0: only the header is good; its rows are lost and it says which. */
static int d_data(decoder *d, d_block *b, int whole) {
    d_head h;
    d_stream *s;
    uint64_t first;
    int numbered, code = d_data_fields(b, &h);
    if (!h.known) return code;
    s = d_find(d, h.stream);
    if (!whole && d->wire) { /* a check of 16 bits: its numbers are not believed */
        s->unknown += h.rows;
        return D_OK;
    }
    if (h.key)
        s->key_known = 1, s->key_seq = b->seq, s->key_row = h.first_row, s->key_time = h.base;
    numbered = h.key || (s->key_known && h.distance <= b->seq && b->seq - h.distance == s->key_seq);
    first = numbered ? s->key_row + h.offset : 0;
    if (numbered && (first < h.offset || first + h.rows < first)) return D_CORRUPT;
    if (d->late && h.key && !s->counted) s->counted = 1, s->expected = s->first_counted = first;
    if (whole) {
        d_seen *seen = &d->seen[d->seen_count - 1];
        seen->stream = h.stream, seen->first_row = first, seen->rows = h.rows;
    }
    if (s->counted && numbered && first < s->expected) {
        s->type = 0;
        if (whole) d_put(d, "  repeat of rows %" PRIu64 " %" PRIu64 "\n", h.stream, first);
        return D_OK;
    }
    if (!code && !whole) code = D_CORRUPT;
    else if (!code && h.key && (!s->declared || h.tag != (s->fingerprint & 0xFFFF)))
        code = D_CORRUPT;
    else if (!code && d->skip_types >> b->type & 1) code = D_UNSUPPORTED;
    else if (!code && (h.key || (numbered && s->type == b->type && s->next_row == first)))
        return d_data_payload(d, b, &h, s, first);
    d_lost(d, s, numbered, first, h.rows);
    return code;
}

/* -------------------------------------------------------------- section 9: schema and clock ---- */

/* Where the rows begin. What was seen before the schema came has been told from its first row on. */
static void d_start(decoder *d, d_stream *s, uint64_t start) {
    if (s->counted && start < s->first_counted && !d->late)
        d_put(d, "missing %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", s->id, start,
              s->first_counted - start);
    if (!s->counted && !d->late) s->counted = 1, s->expected = s->first_counted = start;
    if (s->unknown && d->late) s->unknown = 0;
}

static int d_schema_body(decoder *d, d_stream *s, d_cur c) {
    d_shape shape = {NULL, NULL, 0, 0, 0, 0};
    uint64_t clock = d_range(&c, 0, UINT32_MAX), start = d_varint(&c), fingerprint, actual = 0,
             size = 0;
    d_str name = d_string(&c, 1, 255), encoding = d_string(&c, 0, 255), bytes;
    int code = D_OK;
    fingerprint = d_int(&c, 8);
    bytes = d_string(&c, 0, 1048576);
    if (encoding.n) size = d_range(&c, 1, 16777212);
    if (c.bad) return c.bad;
    d_put(d, "stream %" PRIu64 " ", s->id);
    d_put_name(d, name);
    d_put(d, " clock %" PRIu64 " start %" PRIu64 " encoding ", clock, start);
    d_put_name(d, encoding);
    d_put(d, " fingerprint %016" PRIx64 "\n", fingerprint);
    shape.d = d;
    if (!encoding.n) code = d_schema_decode(&shape, bytes.p, bytes.n, &actual);
    else actual = d_fingerprint(bytes.p, bytes.n), d_push(&shape, D_BLOB, 4 + (uint32_t)size, 0);
    s->columns = shape.columns, s->column_count = shape.count, s->row_size = shape.at;
    d_put(d, "layout %" PRIu64 " columns %u row %u\n", s->id, (unsigned)shape.count,
          (unsigned)shape.at);
    if (code) return code;
    if (actual != fingerprint || shape.at > d->max_row || shape.count > d->max_columns)
        return D_CORRUPT;
    if (shape.at > DECODER_ROWS_MAX - d->row_memory) return D_UNSUPPORTED; /* this one's limit */
    d->row_memory += shape.at;
    s->name = (char *)d_copy(name.p, name.n);
    s->start_row = start, s->fingerprint = fingerprint;
    d_start(d, s, start);
    s->row = (uint8_t *)calloc(1, shape.at + 1), s->out = (uint8_t *)calloc(1, shape.at + 1);
    s->diff = (int32_t *)calloc(shape.count + 1, sizeof *s->diff);
    s->k = (uint32_t *)calloc(shape.count + 1, sizeof *s->k);
    s->mode = (uint8_t *)calloc(shape.count + 1, 1);
    return D_OK;
}

static int d_schema(decoder *d, d_block *b) {
    uint64_t id = d_range(&b->fields, 0, 0xFFFFFFFEu), streams = 0;
    size_t before = d->length;
    int code;
    uint8_t *raw;
    d_stream *s, *other;
    if (b->fields.bad) return b->fields.bad;
    s = d_find(d, id);
    raw = d_expand(d, b, &code);
    d->seen[d->seen_count - 1].stream = id;
    if (!code && s->declared) {
        if (!d_same(s->schema_payload, s->schema_size, b->body.p, d_left(&b->body)))
            code = D_CORRUPT;
        else d_put(d, "  repeat of schema %" PRIu64 "\n", id);
    } else if (!code) {
        size_t size = d_left(&b->body);
        uint8_t *payload = d_copy(b->body.p, size);
        code = d_schema_body(d, s, b->body);
        for (other = d->streams; other; other = other->next) {
            streams += (uint64_t)other->declared;
            if (!code && other->declared && strcmp(other->name, s->name) == 0) code = D_CORRUPT;
        }
        if (!code && streams < d->max_streams) {
            s->declared = 1, s->schema_payload = payload, s->schema_size = size;
        } else {
            free(payload), free(s->columns), free(s->name), free(s->row), free(s->out),
                free(s->diff), free(s->k), free(s->mode);
            s->columns = NULL, s->name = NULL, s->row = s->out = NULL, s->diff = NULL, s->k = NULL, s->mode = NULL;
            code = code ? code : D_CORRUPT;
            if (d->length > before) d->length = before; /* nothing of it is told */
        }
    }
    free(raw);
    return code;
}

static int d_clock_block(decoder *d, d_block *b) {
    d_cur c = b->body;
    uint64_t id = d_range(&c, 0, UINT32_MAX), num = d_range(&c, 1, UINT64_MAX),
             den = d_range(&c, 1, UINT32_MAX);
    uint64_t bits = d_int(&c, 1), domain = d_int(&c, 1);
    d_str name = d_string(&c, 0, 65535);
    size_t size;
    d_clock **link = &d->clocks;
    if (c.bad || bits < 1 || bits > 64) return D_CORRUPT;
    if (domain > 3) return D_UNSUPPORTED;
    size = (size_t)(c.p - b->body.p);
    for (; *link; link = &(*link)->next)
        if ((*link)->id == id) {
            if (!d_same((*link)->payload, (*link)->size, b->body.p, size)) return D_CORRUPT;
            d_put(d, "  repeat of clock %" PRIu64 "\n", id);
            return D_OK;
        }
    *link = (d_clock *)calloc(1, sizeof **link);
    (*link)->id = id, (*link)->size = size, (*link)->payload = d_copy(b->body.p, size);
    d_put(d, "clock %" PRIu64 " hz %" PRIu64 "/%" PRIu64 " bits %u domain %u ", id, num, den,
          (unsigned)bits, (unsigned)domain);
    d_put_name(d, name);
    d_put(d, "\n");
    return D_OK;
}

/* ----------------------------------- section 10: loss, sync, metadata, annotation, attachment ---- */

static void d_put_ref(decoder *d, uint64_t ref) {
    if (ref) d_put(d, "%" PRIu64, ref - 1);
    else d_put(d, "all");
}

static uint64_t d_ref(d_cur *c) { return d_range(c, 0, UINT32_MAX); }

static int d_loss(decoder *d, d_cur c) {
    uint64_t hop = d_range(&c, 0, UINT32_MAX), cause = d_int(&c, 1), flags = d_int(&c, 1),
             ref = d_ref(&c);
    uint64_t count = d_varint(&c), total = d_varint(&c), clock = 0;
    int64_t first = 0, last = 0;
    d_str text;
    if (!c.bad && flags & ~(uint64_t)3) return D_UNSUPPORTED;
    if (flags & 2) {
        clock = d_range(&c, 0, UINT32_MAX), first = d_svarint(&c);
        last = d_add(first, d_varint(&c));
    }
    text = d_string(&c, 0, 65535);
    if (c.bad) return c.bad;
    d_put(d, "loss ");
    d_put_ref(d, ref);
    d_put(d, " hop %u cause %u count %" PRIu64 " total %" PRIu64, (unsigned)hop, (unsigned)cause,
          count, total);
    if (flags & 1) d_put(d, " at least");
    if (flags & 2) d_put(d, " clock %" PRIu64 " %" PRId64 " %" PRId64, clock, first, last);
    d_put(d, " ");
    d_put_text(d, text.p, text.n);
    d_put(d, "\n");
    return D_OK;
}

static int d_sync(decoder *d, d_cur c) {
    uint64_t a = d_range(&c, 0, UINT32_MAX), clock_b, uncertainty, flags;
    int64_t ticks_a = d_svarint(&c), ticks_b;
    clock_b = d_range(&c, 0, UINT32_MAX), ticks_b = d_svarint(&c);
    uncertainty = d_varint(&c), flags = d_int(&c, 1);
    if (!c.bad && flags > 1) return D_UNSUPPORTED;
    if (!c.bad)
        d_put(d,
              "sync %" PRIu64 " %" PRId64 " %" PRIu64 " %" PRId64 " uncertainty %" PRIu64
              " step %u\n",
              a, ticks_a, clock_b, ticks_b, uncertainty, (unsigned)flags);
    return c.bad;
}

static int d_metadata_entry(decoder *d, d_cur *c) {
    uint64_t ref = d_ref(c), type, bits;
    d_str key = d_string(c, 1, 255), text;
    type = d_int(c, 1);
    d_put(d, "metadata ");
    d_put_ref(d, ref);
    d_put(d, " ");
    d_put_text(d, key.p, key.n);
    switch (type) {
    case 1: text = d_string(c, 0, 65535); d_put(d, " text "), d_put_text(d, text.p, text.n); break;
    case 2: d_put(d, " int %" PRId64, d_svarint(c)); break;
    case 3: bits = d_int(c, 8), d_put(d, " f64 %016" PRIx64, bits); break;
    case 4: text = d_string(c, 0, 65535); d_put(d, " bytes "), d_put_hex(d, text.p, text.n); break;
    case 5: bits = d_range(c, 0, 1), d_put(d, " bool %u", (unsigned)bits); break;
    default: d_fail(c, D_UNSUPPORTED);
    }
    d_put(d, "\n");
    return c->bad;
}

/* A broken entry costs the block; one of an unknown type only what begins with it. */
static int d_metadata(decoder *d, d_cur c) {
    size_t before = d->length, entry = before;
    while (d_left(&c) && !d_metadata_entry(d, &c)) entry = d->length;
    if (c.bad) d->length = c.bad == D_UNSUPPORTED ? entry : before;
    return c.bad;
}

static int d_annotation(decoder *d, d_cur c) {
    uint64_t ref = d_ref(&c), clock = d_range(&c, 0, UINT32_MAX), level = d_int(&c, 1), duration;
    int64_t time = d_svarint(&c);
    d_str text;
    duration = d_varint(&c);
    text = d_string(&c, 0, 65535);
    if (c.bad || level > 4) return D_CORRUPT;
    d_put(d, "annotation ");
    d_put_ref(d, ref);
    d_put(d, " clock %" PRIu64 " level %u time %" PRId64 " duration %" PRIu64 " ", clock,
          (unsigned)level, time, duration);
    d_put_text(d, text.p, text.n);
    d_put(d, "\n");
    return D_OK;
}

static void d_detach(decoder *d, d_attached *a) {
    d_attached **p = &d->attached;
    while (*p != a) p = &(*p)->next;
    *p = a->next;
    free(a->bytes), free(a->head), free(a);
}

/* Do these chunks belong together? */
static int d_attach_fits(const d_attached *a, uint64_t flags, uint64_t offset, size_t n, uint64_t total,
                         const uint8_t *head, size_t head_size) {
    uint64_t all = a && a->head ? a->total : total;
    if (a && a->head && (flags & 1) &&
        (total != a->total || head_size != a->head_size || memcmp(head, a->head, head_size) != 0)) return 0;
    if (all != UINT64_MAX && (offset + n > all || ((flags & 2) && offset + n != all))) return 0;
    return !a || offset >= a->at;
}

static void d_attach_take(decoder *d, d_attached *a, uint64_t offset, d_str bytes, uint64_t hash, int last) {
    if (offset > a->at) a->broken = 1;
    if (!a->broken) {
        a->bytes = (uint8_t *)realloc(a->bytes, (size_t)offset + bytes.n + 1);
        if (bytes.n) memcpy(a->bytes + offset, bytes.p, bytes.n);
    }
    a->at = offset + bytes.n;
    if (!last) return;
    d_put(d, !a->broken && hash == d_fingerprint(a->bytes, (size_t)a->at) ? " whole" : " last");
    d_detach(d, a);
}

static int d_attachment(decoder *d, d_block *b) {
    int code;
    uint8_t *raw = d_expand(d, b, &code);
    d_cur *c = &b->body;
    const uint8_t *head = NULL;
    uint64_t id, flags, offset, total = UINT64_MAX, hash = 0;
    size_t head_size = 0;
    d_str name = {NULL, 0}, media = {NULL, 0}, bytes;
    d_attached *a;
    if (code) { free(raw); return code; }
    id = d_varint(c), flags = d_int(c, 1), offset = d_varint(c);
    if (!c->bad && flags > 3) d_fail(c, D_UNSUPPORTED);
    if (flags & 1) {
        head = c->p;
        name = d_string(c, 0, 65535), media = d_string(c, 0, 65535), head_size = (size_t)(c->p - head);
        total = d_range(c, 0, (uint64_t)1 << 63) - 1;
    }
    bytes = d_string(c, 0, d->max_block);
    if (flags & 2) hash = d_int(c, 8);
    if (!c->bad && (id == 0 || offset >> 63 || (offset + bytes.n) > (uint64_t)1 << 63))
        d_fail(c, D_CORRUPT);
    for (a = d->attached; a && a->id != id;) a = a->next;
    if (!c->bad && a && offset == 0 && a->at && (flags & 1) && d_attach_fits(NULL, flags, offset, bytes.n, total, head, head_size))
        d_detach(d, a), a = NULL; /* another of this id begins */
    if (!c->bad && !d_attach_fits(a, flags, offset, bytes.n, total, head, head_size)) d_fail(c, D_CORRUPT);
    code = c->bad;
    if (code) { free(raw); return code; }
    if (!a) {
        a = (d_attached *)calloc(1, sizeof *a);
        a->next = d->attached, a->id = id, a->total = UINT64_MAX, d->attached = a;
    }
    if ((flags & 1) && !a->head) {
        a->head = (uint8_t *)malloc(head_size + 1), a->head_size = head_size, a->total = total;
        memcpy(a->head, head, head_size);
    }
    d_put(d, "attachment %" PRIu64 " offset %" PRIu64 " bytes %lu ", id, offset, (unsigned long)bytes.n);
    d_put_hex(d, bytes.p, bytes.n);
    if (name.n) {
        d_put(d, " "), d_put_text(d, name.p, name.n), d_put(d, " "), d_put_text(d, media.p, media.n);
        d_put(d, " total %" PRId64, d_signed(total));
    }
    d_attach_take(d, a, offset, bytes, hash, (flags & 2) != 0);
    d_put(d, "\n");
    free(raw);
    return D_OK;
}

/* ---------------------------------------------------------- section 11: index, end and chain ---- */

/* The block that stands `distance` before `at`; NULL when none was seen there. */
static const d_seen *d_back(const decoder *d, size_t at, uint64_t distance) {
    size_t i;
    for (i = d->seen_count; i > 0; i--)
        if (distance && distance <= at && d->seen[i - 1].at == at - distance)
            return &d->seen[i - 1];
    return NULL;
}

typedef struct d_verdict {
    unsigned wrong, unseen; /* contradicts a block that was read; tells of one that was not */
} d_verdict;

static const d_seen *d_points(const decoder *d, const d_block *b, uint64_t distance, unsigned type,
                              d_verdict *v) {
    const d_seen *seen = d_back(d, b->at, distance);
    if (!seen && distance) v->unseen++;
    if (seen && (seen->kind & 31u) != type) v->wrong++;
    return seen;
}

/* Section 11: to the latest index of this level, and none is 0. Returns where the span begins. */
static size_t d_latest(const decoder *d, const d_block *b, uint64_t level, uint64_t distance,
                       d_verdict *v) {
    const d_seen *seen = d_points(d, b, distance, D_INDEX, v);
    size_t i;
    if (seen && seen->level != level) v->wrong++;
    for (i = d->seen_count - 1; i > 0; i--) { /* the last one is this block */
        const d_seen *latest = &d->seen[i - 1];
        if ((latest->kind & 31) != D_INDEX || latest->level != level) continue;
        if (latest != seen && !v->unseen) v->wrong++;
        return i;
    }
    if (distance && !v->unseen) v->wrong++;
    return 0;
}

static void d_index_entry(const decoder *d, d_cur *c, const d_block *b, uint64_t level,
                          d_verdict *v) {
    uint64_t kind = level == 1 ? d_int(c, 1) : D_INDEX, distance = d_varint(c);
    const d_seen *seen = d_points(d, b, distance, (unsigned)kind & 31, v);
    if (seen && (level == 1 ? seen->kind != kind : seen->level != level - 1)) v->wrong++;
    if (level == 1 && (kind & 31) >= D_ROWS && (kind & 31) <= D_MINI) {
        uint64_t stream = d_varint(c), first = d_varint(c), rows = d_varint(c), span;
        int64_t min = d_svarint(c);
        span = d_varint(c);
        if (seen && (seen->stream != stream || seen->rows != rows)) v->wrong++;
        if (seen && seen->decoded &&
            (seen->first_row != first || seen->min != min || seen->max != d_add(min, span)))
            v->wrong++;
    }
}

static void d_index_stream(decoder *d, d_cur *c, const d_block *b, size_t from, d_verdict *v) {
    uint64_t id = d_varint(c), distance = d_varint(c), next_row = d_varint(c), rows = d_varint(c),
             seen_rows = 0;
    int64_t min = d_svarint(c), max = d_add(min, d_varint(c)), seen_min = INT64_MAX,
            seen_max = INT64_MIN;
    const d_seen *schema = d_points(d, b, distance, D_SCHEMA, v);
    d_stream *s;
    int all = 1;
    if (schema && schema->stream != id) v->wrong++;
    for (; from < d->seen_count; from++) {
        const d_seen *seen = &d->seen[from];
        if ((seen->kind & 31) < D_ROWS || (seen->kind & 31) > D_MINI || seen->stream != id)
            continue;
        seen_rows += seen->rows;
        if (!seen->decoded) { all = 0; continue; }
        if (seen->min < seen_min) seen_min = seen->min;
        if (seen->max > seen_max) seen_max = seen->max;
    }
    if (seen_rows > rows || (!v->unseen && seen_rows != rows)) v->wrong++;
    if (!v->unseen && all && (seen_min != min || seen_max != max)) v->wrong++;
    if (c->bad || id >= UINT32_MAX) return;
    s = d_find(d, id);
    if (s->declared && next_row < s->expected) v->wrong++;
}

static int d_index(decoder *d, d_block *b) {
    uint64_t level = d_range(&b->fields, 1, 8), count, i;
    d_cur c = b->body;
    d_verdict v = {0, 0};
    size_t from, k, listed = 0;
    if (b->fields.bad) return D_OK;
    d->seen[d->seen_count - 1].level = (uint8_t)level;
    from = d_latest(d, b, level, d_varint(&c), &v);
    d_latest(d, b, level + 1, d_varint(&c), &v);
    count = d_range(&c, 0, d_left(&c));
    for (i = 0; i < count && !c.bad; i++) d_index_entry(d, &c, b, level, &v);
    for (k = from; k + 1 < d->seen_count; k++) /* what this index had to list */
        listed += level == 1 ? (d->seen[k].kind & 31) != D_INDEX : d->seen[k].level == level - 1;
    if (listed > count || (!v.unseen && listed != count)) v.wrong++;
    d_put(d, "  index level %" PRIu64 " entries %" PRIu64, level, count);
    count = d_range(&c, 0, d_left(&c));
    for (i = 0; i < count && !c.bad; i++) d_index_stream(d, &c, b, from, &v);
    d_put(d, " streams %" PRIu64 " %s\n", count,
          c.bad      ? "CORRUPT"
          : v.wrong  ? "wrong"
          : v.unseen ? "unseen"
                     : "true");
    return D_OK; /* a cache: what is wrong in it costs nothing */
}

/* tell 0: only whether it can be read to its end. */
static int d_end_table(decoder *d, d_block *b, int tell) {
    d_cur c = b->body;
    d_verdict v = {0, 0};
    uint64_t count, i;
    d_latest(d, b, 1, d_varint(&c), &v);
    if (d_varint(&c) != b->seq) v.wrong++;
    count = d_range(&c, 0, d_left(&c));
    for (i = 0; i < count && !c.bad; i++) {
        uint64_t id = d_range(&c, 0, 0xFFFFFFFEu), distance = d_varint(&c), next_row = d_varint(&c);
        const d_seen *schema = d_points(d, b, distance, D_SCHEMA, &v);
        d_stream *s;
        if (schema && schema->stream != id) v.wrong++;
        if (c.bad || !tell) continue;
        s = d_find(d, id);
        if (s->declared && next_row < s->expected) v.wrong++;
        if (d_le(d->header + 64, 8) == 0) s->counted = 1; /* stands alone: from row 0 */
        d_missing(d, s, next_row);
    }
    if (c.bad || !tell) return c.bad;
    d_put(d, "  end streams %" PRIu64 " %s\nend\n", count,
          v.wrong ? "wrong" : v.unseen ? "unseen" : "true");
    return D_OK;
}

static int d_end(decoder *d, d_block *b) {
    return d_end_table(d, b, 0) ? D_CORRUPT : d_end_table(d, b, 1);
}

static int d_chain(decoder *d, d_cur c) {
    uint64_t count = d_range(&c, 0, d_left(&c)), i;
    d_put(d, "  chain");
    for (i = 0; i < count && !c.bad; i++) {
        uint64_t id = d_varint(&c), next_row = d_varint(&c);
        d_put(d, " %" PRIu64 ":%" PRIu64, id, next_row);
    }
    d_put(d, "%s\n", c.bad ? " CORRUPT" : "");
    return D_OK;
}

/* ------------------------------------------------------------- sections 2 and 3: the stream ---- */

/* What stands at `at`: D_OK and a header of *skip bytes; else why not and how far the search goes. */
static int d_header(const decoder *d, size_t at, size_t *skip) {
    static const uint8_t magic[8] = {0x89, 0x54, 0x4C, 0x4D, 0x0D, 0x0A, 0x1A, 0x0A};
    const uint8_t *p = d->bytes + at;
    size_t rest = d->size - at, size;
    *skip = 1;
    if (memcmp(p, magic, rest < 8 ? rest : 8) != 0) return D_CORRUPT;
    if (rest < 12) return D_TRUNCATED;
    size = (size_t)d_le(p + 10, 2);
    if (size < 104 || size > 4096 || size % 8) return D_CORRUPT;
    if (rest < size) return D_TRUNCATED;
    if (d_le(p + size - 4, 4) != XXH32(p, size - 4, 0)) return D_CORRUPT;
    *skip = size;
    if (p[8] != 1 || p[12] > 1 || p[13] > 6 || p[14] != 1 || p[15] < 1 || p[15] > 2)
        return D_UNSUPPORTED;
    if (d_le(p + 24, 4) > 1 || d_le(p + 96, 4)) return D_UNSUPPORTED; /* incompatible, reserved */
    if (size % ((size_t)1 << p[13]) || d_le(p + 16, 8) == 0) return D_CORRUPT;
    if (d_le(p + 36, 4) < 256 || d_le(p + 36, 4) > 1u << 30) return D_CORRUPT;
    if (d_le(p + 40, 4) < 1 || d_le(p + 40, 4) > 16777216) return D_CORRUPT;
    if (d_le(p + 44, 4) < 1 || d_le(p + 44, 4) > 65535) return D_CORRUPT;
    if (d_le(p + 48, 4) < 1 || d_le(p + 48, 4) > 65535) return D_CORRUPT;
    if (d_le(p + 88, 8) % 8 || d_le(p + 88, 8) % ((uint64_t)1 << p[13])) return D_CORRUPT;
    return !(p[24] & 1) && d_le(p + 88, 8) ? D_CORRUPT : D_OK;
}

/* A new session. Returns the bytes of its header and of its journal zone. */
static size_t d_session(decoder *d, size_t at, size_t size) {
    const uint8_t *p = d->header = d->bytes + at;
    uint64_t zone = d_le(p + 88, 8), rest = d->size - at - size;
    int code;
    d->header_size = (uint32_t)size, d->session = 1;
    d->S = XXH32(p + 16, 8, 0);
    d->wire = p[12], d->A = (size_t)1 << p[13], d->payload_hash = p[15];
    d->max_block = (uint32_t)d_le(p + 36, 4), d->max_row = (uint32_t)d_le(p + 40, 4);
    d->max_streams = (uint32_t)d_le(p + 44, 4), d->max_columns = (uint32_t)d_le(p + 48, 4);
    d_put(d, "session %016" PRIx64 " version %u.%u profile %u block %u row %u streams %u",
          d_le(p + 16, 8), p[8], p[9], p[12], (unsigned)d->max_block, (unsigned)d->max_row,
          (unsigned)d->max_streams);
    d_put(d,
          " file %u age %" PRIu64 " sequence %016" PRIx64 " previous %016" PRIx64
          " created %" PRId64 "\n",
          (unsigned)d_le(p + 52, 4), d_le(p + 56, 8), d_le(p + 64, 8), d_le(p + 72, 8),
          d_signed(d_le(p + 80, 8)));
    d_put(d, "  header %u align %u hash %u columns %u\n", (unsigned)size, (unsigned)d->A,
          (unsigned)d->payload_hash, (unsigned)d->max_columns);
    if (!zone) return size;
    code = zone > rest ? D_TRUNCATED : d_journal(d, p + size, (size_t)zone);
    if (code) d_damage(d, code, at + size, (size_t)(zone > rest ? rest : zone));
    return size + (size_t)(zone > rest ? rest : zone);
}

static int d_understand(decoder *d, d_block *b) {
    int data = b->type >= D_ROWS && b->type <= D_MINI;
    if (b->type < D_SCHEMA || b->type > D_CHAIN) return b->kind & 0x80 ? D_OK : D_UNSUPPORTED;
    if ((b->kind & 0x40 && !data) ||
        (b->kind & 0x20 && b->type > D_MINI && b->type != D_ATTACHMENT))
        return D_UNSUPPORTED;
    if (data) return d_data(d, b, 1);
    if (d->skip_types >> b->type & 1) return D_UNSUPPORTED;
    switch (b->type) {
    case D_SCHEMA: return d_schema(d, b);
    case D_LOSS: return d_loss(d, b->body);
    case D_SYNC: return d_sync(d, b->body);
    case D_METADATA: return d_metadata(d, b->body);
    case D_ANNOTATION: return d_annotation(d, b->body);
    case D_ATTACHMENT: return d_attachment(d, b);
    case D_CLOCK: return d_clock_block(d, b);
    case D_INDEX: return d_index(d, b);
    case D_END: return d_end(d, b);
    default: return d_chain(d, b->body);
    }
}

/* seq, section 4. Returns 1 for a repeat. */
static int d_sequence(decoder *d, const d_block *b) {
    if (!d->joined && d->wire) d->next_seq = b->seq, d->late = b->seq > 0;
    d->joined = 1;
    if (b->seq < d->next_seq) return 1;
    if (b->seq > d->next_seq) d_damage(d, D_CORRUPT, b->at, 0);
    d->next_seq = b->seq + 1;
    return 0;
}

static void d_damage_ends(decoder *d, size_t at) {
    if (d->bad) d_damage(d, d->bad, d->bad_at, at - d->bad_at);
    d->bad = D_OK;
}

static void d_damage_begins(decoder *d, int code, size_t at) {
    if (!d->bad) d->bad = code, d->bad_at = at;
}

static size_t d_at_header(decoder *d, size_t at) {
    size_t skip;
    int code = d_header(d, at, &skip);
    if (code && skip == 1) { d_damage_begins(d, code, at); return 1; }
    d_damage_ends(d, at);
    if (!code && d->session && d_le(d->header + 16, 8) == d_le(d->bytes + at + 16, 8)) {
        if (d_same(d->header, d->header_size, d->bytes + at, skip))
            d_put(d, "  repeat of header\n");
        else d_damage(d, D_CORRUPT, at, skip);
        return skip;
    }
    d_session_end(d);
    if (!code) return d_session(d, at, skip);
    d_damage_begins(d, code, at); /* a session that cannot be read, up to the next header */
    return skip;
}

static size_t d_at_block(decoder *d, size_t at) {
    d_block b;
    int code = d_frame(d, at, &b), data = b.type >= D_ROWS && b.type <= D_MINI;
    if (code) {
        if (b.readable) {
            d_damage_ends(d, at);
            if (d->wire ? data && b.seq >= d->next_seq : !d_sequence(d, &b) && data)
                d_data(d, &b, 0);
        }
        d_damage_begins(d, code, at);
        return b.header;
    }
    d_damage_ends(d, at);
    if (d_sequence(d, &b)) d_put(d, "  repeat of block %" PRIu64 "\n", b.seq);
    else d_remember(d, &b), code = d_understand(d, &b);
    if (code) d_damage(d, code, at, b.size);
    if (!code && (b.dirty[0] || b.dirty[1])) /* padding: the first that is wrong */
        d_damage(d, D_CORRUPT, b.dirty[0] ? b.dirty[0] : b.dirty[1], 0);
    /* cut in its padding: what follows begins in there */
    for (; b.dirty[1] && b.dirty[1] < at + b.size; b.dirty[1]++)
        if (d->bytes[b.dirty[1]] == 0xD7 || d->bytes[b.dirty[1]] == 0x89) return b.dirty[1] - at;
    return b.size;
}

static void decoder_run(decoder *d, const uint8_t *bytes, size_t size, unsigned skip_types) {
    size_t at = 0;
    memset(d, 0, sizeof *d);
    d->bytes = bytes, d->size = size, d->skip_types = skip_types;
    d_append(d, "", 0);
    while (at < size) {
        if (!d->bad && (bytes[at] == 0 || bytes[at] == 0xFF)) at++; /* free space */
        else at += bytes[at] == 0x89 ? d_at_header(d, at) : d_at_block(d, at);
    }
    d_damage_ends(d, size);
    d_session_end(d);
}

static void decoder_free(decoder *d) {
    free(d->text);
    memset(d, 0, sizeof *d);
}

#ifdef DECODER_MAIN
int main(int argc, char **argv) {
    int i;
    for (i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        size_t size = 0, n, cap = 1 << 16;
        uint8_t *bytes = (uint8_t *)malloc(cap);
        decoder d;
        if (!f) return perror(argv[i]), 1;
        while ((n = fread(bytes + size, 1, cap - size, f)) > 0)
            if ((size += n) == cap) bytes = (uint8_t *)realloc(bytes, cap *= 2);
        fclose(f);
        decoder_run(&d, bytes, size, 0);
        fputs(d.text, stdout);
        decoder_free(&d), free(bytes);
    }
    return 0;
}
#endif
#endif
