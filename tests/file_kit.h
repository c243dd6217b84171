/* file_kit.h - what the tests of telem_file.h share: random schemas and rows, files whose content
   is known, ios that misbehave, blocks made by hand, and the account of what a reader said.
   Include it after the feature macros; it brings the implementation (unless TEST_LINKED). */
#ifndef FILE_KIT_H
#define FILE_KIT_H
#if defined(TEST_LINKED) /* with tests/headers.c */
#define XXH_INLINE_ALL
#include "xxhash.h"
#else
#define TELEM_IMPLEMENTATION
#endif
#include "telem_file.h"

#include <stdarg.h>
#include "check.h"
#include "peek.h"

#if defined(TEST_CODING) /* a test of another coding */
#define KIT_CODING TEST_CODING
#else
#define KIT_CODING TELEM_FILE_ROWS
#endif

/* --------------------------------------------------------------------------------- chance ---- */

static uint32_t kit_below(uint64_t *rng, uint32_t n) { return n ? (uint32_t)(check_rand(rng) >> 33) % n : 0; }
static int kit_one_in(uint64_t *rng, uint32_t n) { return kit_below(rng, n) == 0; }
TELEM_UNUSED static uint64_t kit_seed(uint64_t salt) {
    uint64_t s = check_seed() ^ salt * 0x9E3779B97F4A7C15u;
    return s ? s : 1;
}

static void *kit_alloc(size_t n) { /* exact, so that the sanitizer sees one byte too many */
    void *p = malloc(n ? n : 1);
    if (!p) abort();
    return p;
}

/* Says what went wrong and, in random tests, where. */
static char kit_where[160];
TELEM_UNUSED static void kit_at(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(kit_where, sizeof kit_where, format, args);
    va_end(args);
}
static void kit_fail(const char *format, ...) {
    char what[200], line[400];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(line, sizeof line, "%s (%s)", what, kit_where);
    check_that(0, "tests/file_kit.h", 0, line);
}

/* -------------------------------------------------------------------------------- schemas ---- */

#define KIT_SCHEMA_MEMORY 40000u
#define KIT_MAX_SCHEMAS 16u

/* A schema and what it nests, in memory of its own. */
typedef struct kit_schema {
    void *memory[KIT_MAX_SCHEMAS];
    uint32_t count;
    const telem_schema *schema;
} kit_schema;

static const telem_schema *kit_random_struct(kit_schema *k, uint64_t *rng, int depth, uint32_t fields);

static void kit_random_field(kit_schema *k, uint64_t *rng, int depth, uint32_t number, telem_field *f, char *name) {
    static const telem_label labels[] = {{0, "A"}, {1, "B"}, {2, "C"}};
    memset(f, 0, sizeof *f);
    snprintf(name, 16, "f%u", (unsigned)number);
    f->name = name;
    f->type = (uint8_t)(1u + kit_below(rng, 24));
    if (f->type == TELEM_STRUCT && (depth >= 3 || k->count + 1u >= KIT_MAX_SCHEMAS)) f->type = TELEM_I16;
    if (kit_one_in(rng, 4)) f->flags |= TELEM_OPTIONAL;
    if (kit_one_in(rng, 5)) f->count = (uint16_t)(1u + kit_below(rng, kit_one_in(rng, 4) ? 40 : 5));
    if (f->type >= TELEM_U8 && f->type <= TELEM_I64 && kit_one_in(rng, 3)) f->flags |= TELEM_COUNTER;
    if (f->type >= TELEM_U8 && f->type <= TELEM_F64 && kit_one_in(rng, 5)) f->scale = 0.25;
    if (f->type >= TELEM_ENUM8 && f->type <= TELEM_BITS32) {
        f->labels = labels;
        f->label_count = 3;
    }
    if (f->type >= TELEM_CHARS && f->type <= TELEM_BLOB) f->size = 1u + kit_below(rng, kit_one_in(rng, 6) ? 200 : 12);
    if (f->type == TELEM_STRUCT) f->nested = kit_random_struct(k, rng, depth + 1, 1u + kit_below(rng, 4));
}

static const telem_schema *kit_random_struct(kit_schema *k, uint64_t *rng, int depth, uint32_t fields) {
    telem_schema_builder b;
    const telem_schema *out = NULL;
    void *memory = k->memory[k->count++] = kit_alloc(KIT_SCHEMA_MEMORY);
    char name[24];
    uint32_t i;
    snprintf(name, sizeof name, "S%u", (unsigned)k->count);
    if (telem_schema_builder_init(&b, memory, KIT_SCHEMA_MEMORY, name, "random") != TELEM_OK) abort();
    for (i = 0; i < fields; i++) {
        telem_field f;
        kit_random_field(k, rng, depth, i, &f, name);
        if (telem_schema_builder_add(&b, &f) != TELEM_OK) abort();
    }
    if (telem_schema_builder_finish(&b, &out) != TELEM_OK) abort();
    return out;
}

static void kit_free_schema(kit_schema *k) {
    while (k->count) free(k->memory[--k->count]);
}

static void kit_random_schema(kit_schema *k, uint64_t *rng) {
    memset(k, 0, sizeof *k);
    do {
        kit_free_schema(k);
        k->schema = kit_random_struct(k, rng, 1, kit_one_in(rng, 10) ? 0 : 1u + kit_below(rng, kit_one_in(rng, 4) ? 30 : 8));
    } while (telem_schema_row_size(k->schema) > 12000u); /* nested arrays multiply */
}

/* ----------------------------------------------------------------------------------- rows ---- */

static void kit_random_text(uint8_t *p, const telem_column *c, uint64_t *rng) {
    uint32_t i, size = c->width, len;
    if (c->type == TELEM_STRING || c->type == TELEM_BLOB) {
        size = c->width - 4u;
        len = kit_one_in(rng, 8) ? size : kit_below(rng, size + 1u);
        telem_put32(p, len);
        p += 4;
    } else {
        len = kit_below(rng, size + 1u);
    }
    if (kit_one_in(rng, 3)) { /* only its end is new */
        for (i = len / 2; i < len; i++) p[i] = (uint8_t)('a' + kit_below(rng, 26));
    } else {
        for (i = 0; i < len; i++) p[i] = (uint8_t)(c->type == TELEM_BYTES ? kit_below(rng, 256) : 'a' + kit_below(rng, 26));
    }
    if (c->type == TELEM_CHARS)
        for (i = 0; i < len; i++)
            if (p[i] == 0) p[i] = 'x'; /* nothing stands behind a NUL */
    memset(p + len, 0, size - len);
}

static uint64_t kit_random_number(const telem_column *c, uint64_t old, uint64_t *rng) {
    static const uint64_t odd[] = {0, 1, ~(uint64_t)0, 0x8000000000000000u, 0x7FFFFFFFFFFFFFFFu, 0x80, 0x7F, 0x8000, 0x7FFF,
                                   0x80000000u, 0x7FF0000000000000u, 0x7FF8000000012345u, 0x7FC00001u, 0x7F800001u, 0x00000001u,
                                   0x000FFFFFFFFFFFFFu, 0x7C01u, 0x7F81u, 0xFF, 0x100};
    double d = (double)kit_below(rng, 1000) * 0.01;
    uint64_t u;
    switch (kit_below(rng, 6)) {
    case 0: return odd[kit_below(rng, sizeof odd / sizeof odd[0])];
    case 1: return check_rand(rng);
    case 2:
        memcpy(&u, &d, 8);
        return c->width == 8 ? u : u >> 32;
    default: return old + kit_below(rng, 12) - 6u;
    }
}

static void kit_store(uint8_t *p, uint32_t width, uint64_t v) {
    while (width--) {
        *p++ = (uint8_t)(v & 0xFFu);
        v >>= 8;
    }
}
static uint64_t kit_load(const uint8_t *p, uint32_t width) {
    uint64_t v = 0;
    while (width--) v = v << 8 | p[width];
    return v;
}

/* The row goes on in time: about one value in `calm` changes, counters step. */
static void kit_step_row(const telem_schema *s, uint8_t *row, uint64_t *rng, uint32_t calm) {
    telem_columns it;
    telem_column c;
    uint32_t i;
    for (telem_columns_begin(&it, s); telem_columns_next(&it, &c);) {
        for (i = 0; i < c.count; i++) {
            uint8_t *p = row + c.row + i * c.width;
            int counter = !c.presence && (c.field->flags & TELEM_COUNTER) != 0;
            if (!kit_one_in(rng, calm)) {
                if (counter) kit_store(p, c.width, kit_load(p, c.width) + 1u);
            } else if (c.type == TELEM_BOOL) {
                *p ^= 1u;
            } else if (c.type >= TELEM_CHARS) {
                kit_random_text(p, &c, rng);
            } else {
                kit_store(p, c.width, kit_random_number(&c, kit_load(p, c.width), rng));
            }
        }
    }
    for (telem_columns_begin(&it, s); telem_columns_next(&it, &c);)
        if (c.presence && row[c.row] == 0) memset(row + c.row + 1, 0, c.covers);
}

typedef enum kit_pace { KIT_STEADY, KIT_JITTER, KIT_BACK, KIT_SAME, KIT_WILD, KIT_PACES } kit_pace;

static int64_t kit_step_time(kit_pace pace, int64_t t, uint64_t *rng) {
    uint64_t u = (uint64_t)t, odd;
    switch (pace) {
    case KIT_JITTER: u += 1000000u + kit_below(rng, 50); break;
    case KIT_BACK: u += kit_one_in(rng, 10) ? 0u - (uint64_t)kit_below(rng, 5000000) : 1000000u; break;
    case KIT_SAME: break;
    case KIT_WILD:
        odd = check_rand(rng);
        u = kit_one_in(rng, 4) ? (uint64_t)INT64_MIN : kit_one_in(rng, 4) ? (uint64_t)INT64_MAX : kit_one_in(rng, 3) ? u + 5 : odd;
        break;
    case KIT_STEADY:
    case KIT_PACES:
    default: u += 1000000u; break;
    }
    memcpy(&t, &u, 8);
    return t;
}

/* -------------------------------------------------------------------- files that are known ---- */

#define KIT_STREAMS 8u

enum { KIT_UNSEEN, KIT_DELIVERED, KIT_MISSING };

/* The rows that were offered to one stream of a writer. */
typedef struct kit_stream {
    uint32_t id, row_size;
    const telem_schema *schema;
    uint64_t start_row;
    size_t n, cap;
    uint8_t *rows;
    int64_t *times;
    uint8_t *seen;   /* by kit_take */
    uint64_t delivered, missing, doubtful;
    uint64_t next;   /* one past the last row delivered or told as missing */
    char name[24];
} kit_stream;

typedef struct kit_file {
    uint64_t session;
    kit_stream s[KIT_STREAMS];
    uint32_t count;
    uint8_t *bytes;
    size_t size, cap;
} kit_file;

static kit_stream *kit_add(kit_file *f, uint32_t id, const telem_schema *schema, uint64_t start_row) {
    kit_stream *s = &f->s[f->count++];
    memset(s, 0, sizeof *s);
    s->id = id;
    s->schema = schema;
    s->row_size = telem_schema_row_size(schema);
    s->start_row = start_row;
    snprintf(s->name, sizeof s->name, "stream%u", (unsigned)id);
    return s;
}

static uint8_t *kit_row(const kit_stream *s, size_t i) { return s->rows + i * s->row_size; }

static void kit_note_row(kit_stream *s, int64_t time, const uint8_t *row) {
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->rows = (uint8_t *)realloc(s->rows, s->cap * s->row_size + 1);
        s->times = (int64_t *)realloc(s->times, s->cap * sizeof *s->times);
        s->seen = (uint8_t *)realloc(s->seen, s->cap);
        if (!s->rows || !s->times || !s->seen) abort();
    }
    memcpy(kit_row(s, s->n), row, s->row_size);
    s->times[s->n] = time;
    s->seen[s->n++] = KIT_UNSEEN;
}

static void kit_free_file(kit_file *f) {
    while (f->count) {
        kit_stream *s = &f->s[--f->count];
        free(s->rows);
        free(s->times);
        free(s->seen);
    }
    free(f->bytes);
    f->bytes = NULL;
}

/* A memory io that grows. */
static int64_t kit_grow_write(void *user, const void *p, size_t n) {
    kit_file *f = (kit_file *)user;
    if (f->size + n > f->cap) {
        f->cap = (f->size + n) * 2;
        f->bytes = (uint8_t *)realloc(f->bytes, f->cap);
        if (!f->bytes) abort();
    }
    memcpy(f->bytes + f->size, p, n);
    f->size += n;
    return (int64_t)n;
}
static telem_io kit_io(kit_file *f) {
    telem_io io;
    memset(&io, 0, sizeof io);
    io.user = f;
    io.write = kit_grow_write;
    return io;
}

/* A writer in memory of exactly the size that the formulas say. */
typedef struct kit_writer {
    telem_file_writer w;
    telem_file_writer_desc wd;
    telem_io io;
    void *memory;
} kit_writer;

static telem_result kit_open(kit_writer *k, kit_file *f, const telem_file_writer_desc *d, const telem_io *io) {
    telem_file_stream_desc sd;
    uint32_t i;
    telem_result r;
    memset(&sd, 0, sizeof sd);
    k->wd = *d;
    k->io = *io;
    k->wd.io = &k->io;
    if (k->wd.session == 0) k->wd.session = 0xC0FFEE;
    f->session = k->wd.session;
    k->wd.memory_size = telem_file_writer_bytes(&k->wd);
    for (i = 0; i < f->count; i++) {
        sd.schema = f->s[i].schema;
        k->wd.memory_size += telem_file_stream_bytes(&k->wd, &sd);
    }
    k->wd.memory = k->memory = kit_alloc(k->wd.memory_size);
    r = telem_file_writer_open(&k->w, &k->wd);
    return r;
}

static telem_result kit_add_streams(kit_writer *k, const kit_file *f) {
    uint32_t i;
    telem_result r = TELEM_OK;
    for (i = 0; i < f->count && r == TELEM_OK; i++) {
        telem_file_stream_desc sd;
        memset(&sd, 0, sizeof sd);
        sd.id = f->s[i].id;
        sd.schema = f->s[i].schema;
        sd.start_row = f->s[i].start_row;
        sd.name = f->s[i].name;
        r = telem_file_add_stream(&k->w, &sd);
    }
    return r;
}

static telem_result kit_close(kit_writer *k) {
    telem_result r = telem_file_writer_close(&k->w);
    free(k->memory);
    return r;
}

/* Frees also the schemas made here. */
typedef struct kit_random_file {
    kit_file file;
    kit_schema schemas[KIT_STREAMS];
    telem_file_writer_desc desc;
    uint64_t others[16]; /* items of the kinds that are not rows, by telem_item_kind */
} kit_random_file;

TELEM_UNUSED static void kit_free_random(kit_random_file *k) {
    uint32_t i;
    for (i = 0; i < KIT_STREAMS; i++) kit_free_schema(&k->schemas[i]);
    kit_free_file(&k->file);
}

/* What is not a row, now and then. */
static void kit_write_other(kit_random_file *k, telem_file_writer *w, uint64_t *rng, int64_t t) {
    telem_annotation a;
    telem_metadata m;
    telem_sync y;
    telem_loss l;
    memset(&a, 0, sizeof a);
    memset(&m, 0, sizeof m);
    memset(&y, 0, sizeof y);
    memset(&l, 0, sizeof l);
    switch (kit_below(rng, 4)) {
    case 0:
        a.stream = kit_one_in(rng, 2) ? TELEM_ALL_STREAMS : 1;
        a.time = t;
        a.level = (uint8_t)kit_below(rng, 5);
        a.duration = kit_below(rng, 1000);
        a.text = "something happened here";
        CHECK_OK(telem_file_annotate(w, &a));
        k->others[TELEM_ITEM_ANNOTATION]++;
        break;
    case 1:
        m.stream = TELEM_ALL_STREAMS;
        m.key = "key";
        m.type = (uint8_t)(1u + kit_below(rng, 5));
        m.data = "value";
        m.size = 5;
        m.i = (int64_t)kit_below(rng, 2);
        m.f = 1.5;
        CHECK_OK(telem_file_write_metadata(w, &m));
        k->others[TELEM_ITEM_METADATA]++;
        break;
    case 2:
        y.clock_b = 1;
        y.ticks_a = t;
        y.ticks_b = t / 2;
        CHECK_OK(telem_file_write_sync(w, &y));
        k->others[TELEM_ITEM_SYNC]++;
        break;
    default:
        l.stream = 1;
        l.hop = TELEM_HOP_RING_REFUSED;
        l.cause = TELEM_CAUSE_FULL;
        l.count = 1u + kit_below(rng, 100);
        l.text = "ring";
        CHECK_OK(telem_file_write_loss(w, &l));
        k->others[TELEM_ITEM_LOSS]++;
        break;
    }
}

/* Writes `rows` rows of random schemas; half of the streams are slow. `desc` may be NULL: random. */
TELEM_UNUSED static void kit_make(kit_random_file *k, uint64_t *rng, uint32_t streams, uint32_t rows, const telem_file_writer_desc *desc) {
    kit_writer kw;
    telem_file_writer_desc d;
    telem_io io;
    uint8_t *row[KIT_STREAMS];
    uint8_t *rec[KIT_STREAMS];
    int64_t t[KIT_STREAMS];
    kit_pace pace = (kit_pace)kit_below(rng, KIT_PACES);
    uint32_t i, j, calm = 1u + kit_below(rng, 30);
    memset(k, 0, sizeof *k);
    for (i = 0; i < streams; i++) {
        kit_random_schema(&k->schemas[i], rng);
        (void)kit_add(&k->file, i + 1u, k->schemas[i].schema, kit_one_in(rng, 5) ? kit_below(rng, 100000) : 0);
        row[i] = (uint8_t *)kit_alloc(k->file.s[i].row_size);
        memset(row[i], 0, k->file.s[i].row_size);
        rec[i] = (uint8_t *)kit_alloc(k->schemas[i].schema->size);
        t[i] = (int64_t)kit_below(rng, 1000000);
    }
    memset(&d, 0, sizeof d);
    if (desc) {
        d = *desc;
    } else {
        d.profile = (uint8_t)kit_below(rng, 2);
        d.coding = (uint8_t)kit_below(rng, 4);
#if defined(TEST_CODING)
        d.coding = TEST_CODING;
#endif
        d.level = (uint8_t)kit_below(rng, 3);
        d.lz4 = (uint8_t)kit_below(rng, 2);
        d.no_index = (uint8_t)kit_one_in(rng, 4);
        d.block_bytes = kit_one_in(rng, 3) ? 0 : kit_one_in(rng, 2) ? 1 : 50u + kit_below(rng, 2000);
        d.block_rows = kit_one_in(rng, 3) ? 1u + kit_below(rng, 50) : 0;
        if (d.coding == TELEM_FILE_MINI && d.block_rows > 32) d.block_rows = 32;
        d.key_bytes = kit_one_in(rng, 3) ? 0 : 1u + kit_below(rng, 5000);
        d.key_rows = kit_one_in(rng, 3) ? 0 : 1u + kit_below(rng, 100);
        d.key_ns = kit_one_in(rng, 4) ? 20000000u : 0;
        d.max_age_ns = kit_one_in(rng, 4) ? 10000000u : 0;
        d.announce_ns = 50000000u;
        d.index_blocks = kit_one_in(rng, 3) ? 0 : 2u + kit_below(rng, 7);
        d.max_block = 1u << 17;
        d.max_row = 1u << 16;
    }
    io = kit_io(&k->file);
    if (!desc && kit_one_in(rng, 4)) io.block_size = 512;
    REQUIRE_OK(kit_open(&kw, &k->file, &d, &io));
    k->desc = kw.wd;
    REQUIRE_OK(kit_add_streams(&kw, &k->file));
    for (j = 0; j < rows; j++) {
        kit_stream *s;
        i = kit_below(rng, streams);
        if (i >= (streams + 1u) / 2u && !kit_one_in(rng, 20)) i = 0;
        s = &k->file.s[i];
        t[i] = kit_step_time(pace, t[i], rng);
        if (!kit_one_in(rng, 3)) kit_step_row(s->schema, row[i], rng, calm);
        if (kit_one_in(rng, 2)) {
            CHECK_OK(telem_file_write_row(&kw.w, s->id, t[i], row[i]));
        } else {
            memset(rec[i], 0xA5, s->schema->size); /* padding may hold anything */
            CHECK_OK(telem_schema_unpack(s->schema, row[i], rec[i]));
            CHECK_OK(telem_file_write(&kw.w, s->id, t[i], rec[i]));
        }
        kit_note_row(s, t[i], row[i]);
        if (kit_one_in(rng, 60)) kit_write_other(k, &kw.w, rng, t[i]);
        if (kit_one_in(rng, 200)) CHECK_OK(telem_file_writer_flush(&kw.w));
        if (kit_one_in(rng, 50)) CHECK_OK(telem_file_writer_poll(&kw.w, 0, t[i]));
    }
    CHECK_OK(kit_close(&kw));
    for (i = 0; i < streams; i++) {
        free(row[i]);
        free(rec[i]);
    }
}

/* -------------------------------------------------------------------------------- reading ---- */

/* An io over memory that gives a few bytes at a time, sometimes none, and cannot seek. */
typedef struct kit_pipe {
    const uint8_t *p;
    size_t n, at;
    uint32_t most;  /* bytes at once; 0: any number */
    uint32_t again; /* one call in so many answers AGAIN; 0: none */
    uint64_t rng;
} kit_pipe;

static int64_t kit_pipe_read(void *user, void *buf, size_t n) {
    kit_pipe *k = (kit_pipe *)user;
    size_t part = k->n - k->at;
    if (part == 0) return 0;
    if (k->again && kit_one_in(&k->rng, k->again)) return TELEM_AGAIN;
    if (part > n) part = n;
    if (k->most && part > k->most) part = 1u + kit_below(&k->rng, k->most);
    if (part > n) part = n;
    memcpy(buf, k->p + k->at, part);
    k->at += part;
    return (int64_t)part;
}
TELEM_UNUSED static telem_io kit_pipe_io(kit_pipe *k, const uint8_t *p, size_t n, uint32_t most, uint32_t again) {
    telem_io io;
    memset(&io, 0, sizeof io);
    memset(k, 0, sizeof *k);
    k->p = p;
    k->n = n;
    k->most = most;
    k->again = again;
    k->rng = 88172645463325252u;
    io.user = k;
    io.read = kit_pipe_read;
    return io;
}

typedef struct kit_reader {
    telem_file_reader r;
    telem_file_reader_desc d;
    telem_io io;
    telem_memory_io m;
    kit_pipe pipe;
    kit_file *files[4]; /* the sessions that may come */
    uint32_t file_count;
    kit_file *now;
    uint64_t items[16]; /* by kind */
    uint64_t damage_bytes, truncated, again;
    telem_error damage; /* the first */
    telem_error last_damage;
    uint64_t last_damage_bytes;
    uint8_t untold; /* 1: rows may be missing without being told (a wire was joined, a seek) */
    void *memory;
} kit_reader;

static void kit_reader_init(kit_reader *k, kit_file *f, size_t memory) {
    uint32_t i;
    memset(k, 0, sizeof *k);
    k->files[k->file_count++] = f;
    k->d.memory = k->memory = kit_alloc(memory);
    k->d.memory_size = memory;
    k->d.io = &k->io;
    for (i = 0; i < f->count; i++) {
        f->s[i].delivered = f->s[i].missing = f->s[i].doubtful = 0;
        f->s[i].next = f->s[i].start_row;
        if (f->s[i].n) memset(f->s[i].seen, KIT_UNSEEN, f->s[i].n);
    }
}

TELEM_UNUSED static telem_result kit_read_memory(kit_reader *k, kit_file *f, const uint8_t *p, size_t n, size_t memory) {
    kit_reader_init(k, f, memory);
    k->io = telem_io_memory_view(&k->m, p, n);
    return telem_file_reader_open(&k->r, &k->d);
}

TELEM_UNUSED static void kit_reader_end(kit_reader *k) { free(k->memory); }

static kit_stream *kit_stream_of(kit_reader *k, const telem_file_stream *s) {
    uint32_t i;
    for (i = 0; k->now && i < k->now->count; i++)
        if (k->now->s[i].id == s->id) return &k->now->s[i];
    return NULL;
}

static void kit_take_row(kit_reader *k, const telem_file_item *item) {
    kit_stream *s = kit_stream_of(k, item->stream);
    uint64_t i;
    if (!s) {
        kit_fail("a row of an unknown stream");
        return;
    }
    i = item->row - s->start_row;
    if (item->row < s->start_row || i >= s->n) {
        kit_fail("row %lu of stream %u was never written", (unsigned long)item->row, (unsigned)s->id);
        return;
    }
    if (item->stream->row_size != s->row_size || memcmp(item->data, kit_row(s, (size_t)i), s->row_size) != 0)
        kit_fail("WRONG ROW %lu of stream %u", (unsigned long)item->row, (unsigned)s->id);
    if (item->time != s->times[i]) kit_fail("wrong time of row %lu", (unsigned long)item->row);
    if (s->seen[i] == KIT_DELIVERED) kit_fail("row %lu is delivered twice", (unsigned long)item->row);
    if (s->seen[i] == KIT_MISSING) kit_fail("row %lu was told as missing before", (unsigned long)item->row);
    if (item->row < s->next) kit_fail("row %lu comes late", (unsigned long)item->row);
    if (item->row > s->next && !k->untold) kit_fail("rows %lu to %lu are missing untold", (unsigned long)s->next, (unsigned long)item->row);
    s->seen[i] = KIT_DELIVERED;
    s->next = item->row + 1u;
    s->delivered++;
}

static void kit_take_missing(kit_reader *k, const telem_file_item *item) {
    kit_stream *s = kit_stream_of(k, item->stream);
    uint64_t i, first;
    if (!s || item->count == 0) {
        kit_fail("missing rows of an unknown stream, or none");
        return;
    }
    if (item->at_least) {
        s->doubtful += item->count;
        return;
    }
    first = item->row - s->start_row;
    if (item->row < s->start_row || first > s->n || item->count > s->n - first) {
        kit_fail("%lu missing rows from %lu were never written", (unsigned long)item->count, (unsigned long)item->row);
        return;
    }
    for (i = first; i < first + item->count; i++) {
        if (s->seen[i] == KIT_DELIVERED) kit_fail("row %lu is told as missing but was delivered", (unsigned long)i);
        if (s->seen[i] == KIT_MISSING) kit_fail("row %lu is told as missing twice", (unsigned long)i);
        s->seen[i] = KIT_MISSING;
    }
    s->missing += item->count;
    s->next = item->row + item->count;
}

/* Checks one item against what was written. */
static void kit_take(kit_reader *k, const telem_file_item *item) {
    uint32_t i;
    uint64_t session;
    if (item->kind < TELEM_ITEM_SESSION || item->kind > TELEM_ITEM_ATTACHMENT) {
        kit_fail("an item of no kind");
        return;
    }
    k->items[item->kind]++;
    switch (item->kind) {
    case TELEM_ITEM_SESSION:
        session = telem_file_reader_session(&k->r)->id;
        k->now = NULL;
        for (i = 0; i < k->file_count; i++)
            if (k->files[i]->session == session) k->now = k->files[i];
        break;
    case TELEM_ITEM_ROW: kit_take_row(k, item); break;
    case TELEM_ITEM_MISSING:
        if (!item->error.what || item->error.code == TELEM_OK) kit_fail("missing rows without a reason");
        kit_take_missing(k, item);
        break;
    case TELEM_ITEM_DAMAGE:
        if (!item->error.what || item->error.code == TELEM_OK) kit_fail("damage without a reason");
        if (k->items[TELEM_ITEM_DAMAGE] == 1) k->damage = item->error;
        k->last_damage = item->error;
        k->last_damage_bytes = item->bytes;
        k->damage_bytes += item->bytes;
        if (item->error.code == TELEM_ERR_TRUNCATED) k->truncated++;
        break;
    case TELEM_ITEM_STREAM:
    case TELEM_ITEM_CLOCK:
    case TELEM_ITEM_LOSS:
    case TELEM_ITEM_SYNC:
    case TELEM_ITEM_METADATA:
    case TELEM_ITEM_ANNOTATION:
    case TELEM_ITEM_ATTACHMENT:
    case TELEM_ITEM_END:
    default: break;
    }
}

/* Reads to the end (and says that it is final). */
TELEM_UNUSED static telem_result kit_read_all(kit_reader *k) {
    telem_file_item item;
    int finished = 0;
    for (;;) {
        telem_result e = telem_file_next(&k->r, &item);
        if (e == TELEM_OK) {
            kit_take(k, &item);
        } else if (e == TELEM_AGAIN) {
            k->again++;
        } else if (e == TELEM_END && !finished) {
            finished = 1;
            (void)telem_file_reader_finish(&k->r);
        } else {
            return e;
        }
    }
}

TELEM_UNUSED static uint64_t kit_delivered(const kit_file *f) {
    uint64_t n = 0;
    uint32_t i;
    for (i = 0; i < f->count; i++) n += f->s[i].delivered;
    return n;
}
TELEM_UNUSED static uint64_t kit_missing(const kit_file *f) {
    uint64_t n = 0;
    uint32_t i;
    for (i = 0; i < f->count; i++) n += f->s[i].missing;
    return n;
}
TELEM_UNUSED static uint64_t kit_written(const kit_file *f) {
    uint64_t n = 0;
    uint32_t i;
    for (i = 0; i < f->count; i++) n += f->s[i].n;
    return n;
}

/* The end block was seen: every row was delivered or told as missing. */
TELEM_UNUSED static void kit_check_account(const kit_file *f) {
    uint32_t i;
    for (i = 0; i < f->count; i++) {
        const kit_stream *s = &f->s[i];
        if (s->delivered + s->missing != s->n)
            kit_fail("stream %u: %lu rows delivered, %lu missing, but %lu written", (unsigned)s->id, (unsigned long)s->delivered,
                     (unsigned long)s->missing, (unsigned long)s->n);
    }
}

/* --------------------------------------------------------------------------------- blocks ---- */

/* Written after section 4, apart from the header's own code. */
typedef struct kit_block {
    size_t offset, bare, size; /* header without pad; the whole */
    uint8_t kind;
    uint64_t seq, len;
    uint32_t stream, rows;
    uint64_t first_row; /* KEY only */
    size_t fields, payload;
    uint32_t check;
} kit_block;

typedef struct kit_frame { /* how a session frames its blocks */
    uint64_t session;
    uint8_t wire, payload_hash;
    size_t align;
} kit_frame;

TELEM_UNUSED static kit_frame kit_frame_of(const uint8_t *header) {
    kit_frame f;
    f.session = telem_get64(header + 16);
    f.wire = header[12];
    f.payload_hash = header[15];
    f.align = (size_t)1 << header[13];
    return f;
}

static size_t kit_align(const kit_frame *f, size_t n) { return (n + f->align - 1) / f->align * f->align; }

static uint32_t kit_header_check(const kit_frame *f, const uint8_t *p, size_t n) {
    uint8_t id[8];
    telem_put64(id, f->session);
    return XXH32(p, n, XXH32(id, 8, 0));
}
static uint32_t kit_payload_check(const kit_frame *f, const uint8_t *p, size_t n, uint32_t seed) {
    return f->payload_hash == 2 ? (uint32_t)(XXH3_64bits_withSeed(p, n, seed) & 0xFFFFFFFFu) : XXH32(p, n, seed);
}

/* Appends a block; returns its size. */
TELEM_UNUSED static size_t kit_put_block(const kit_frame *f, uint8_t *out, uint8_t kind, uint64_t seq, const uint8_t *fields, size_t n_fields,
                            const uint8_t *payload, size_t n) {
    static const uint8_t sync[4] = {0xD7, 0x54, 0x4C, 0x4D};
    size_t at = f->wire ? 2 : 4, count, start;
    uint32_t check;
    memcpy(out, sync, at);
    out[at++] = kind;
    count = at++;
    start = at;
    at += telem_varint_put(out + at, seq);
    at += telem_varint_put(out + at, n);
    if (n_fields) memcpy(out + at, fields, n_fields);
    at += n_fields;
    out[count] = (uint8_t)(at - start);
    check = kit_header_check(f, out, at);
    if (f->wire) telem_put16(out + at, (uint16_t)(check & 0xFFFFu));
    else telem_put32(out + at, check);
    at += f->wire ? 2 : 4;
    memset(out + at, 0, kit_align(f, at) - at);
    at = kit_align(f, at);
    if (n) memcpy(out + at, payload, n);
    telem_put32(out + at + n, kit_payload_check(f, out + at, n, check));
    at += n + 4;
    memset(out + at, 0, kit_align(f, at) - at);
    return kit_align(f, at);
}

/* The header of the block at p; 0: there is none. */
TELEM_UNUSED static int kit_get_block(const kit_frame *f, const uint8_t *p, size_t n, size_t at, kit_block *b) {
    size_t s = f->wire ? 2 : 4, fields;
    uint64_t v = 0;
    const uint8_t *q = p + at;
    int k;
    memset(b, 0, sizeof *b);
    if (n - at < s + 2 || q[0] != 0xD7 || q[1] != 0x54) return 0;
    fields = q[s + 1];
    if (n - at < s + 2 + fields + s) return 0;
    b->check = kit_header_check(f, q, s + 2 + fields);
    if (f->wire ? telem_get16(q + s + 2 + fields) != (b->check & 0xFFFFu) : telem_get32(q + s + 2 + fields) != b->check) return 0;
    b->offset = at;
    b->kind = q[s];
    b->bare = s + 2 + fields + s;
    b->fields = s + 2;
    b->fields += (size_t)telem_varint_get(q + b->fields, 10, &b->seq);
    b->fields += (size_t)telem_varint_get(q + b->fields, 10, &b->len);
    if ((b->kind & 0x1F) >= TELEM_BLOCK_ROWS && (b->kind & 0x1F) <= TELEM_BLOCK_MINI) {
        size_t x = b->fields;
        x += (size_t)telem_varint_get(q + x, 10, &v);
        b->stream = (uint32_t)v;
        x += (size_t)telem_varint_get(q + x, 10, &v);
        b->rows = (uint32_t)v;
        k = telem_varint_get(q + x, 10, &v);
        if (b->kind & 0x40) (void)telem_varint_get(q + x + (size_t)k + 2, 10, &b->first_row);
    }
    b->payload = kit_align(f, b->bare);
    b->size = kit_align(f, b->payload + (size_t)b->len + 4);
    return 1;
}

#define KIT_HEADER 0xFFu /* the kind of a stream header among the blocks */

/* Behind a repeat of the stream header that stands there. */
TELEM_UNUSED static size_t kit_pass_header(const uint8_t *p, size_t n, size_t at) {
    return n - at >= 12 && memcmp(p + at, "\x89TLM\r\n", 6) == 0 ? at + telem_get16(p + at + 10) : at;
}

/* All blocks and headers of a whole file of one session; returns how many. Free space is passed. */
TELEM_UNUSED static size_t kit_blocks(const uint8_t *p, size_t n, kit_block *out, size_t cap) {
    kit_frame f = kit_frame_of(p);
    size_t at = 0, count = 0;
    while (at < n && count < cap) {
        if (p[at] == 0x89) {
            memset(&out[count], 0, sizeof *out);
            out[count].kind = KIT_HEADER;
            out[count].offset = at;
            out[count].size = out[count].bare = telem_get16(p + at + 10);
            at += out[count++].size;
        } else if (p[at] != 0xD7) {
            at++;
        } else if (kit_get_block(&f, p, n, at, &out[count])) {
            at += out[count++].size;
        } else {
            break;
        }
    }
    if (at != n) kit_fail("the file's blocks do not follow one another at %lu", (unsigned long)at);
    return count;
}

#endif
