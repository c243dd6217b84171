/* test_one_byte.c - telem_file.h: a flipped byte in a file of the zero desc costs its own block, wherever it
   lies: also in the stream header, in a schema and in a clock.  UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#if !defined(TEST_LINKED)
#define TELEM_IMPLEMENTATION
#endif
#include "telem_file.h"

#include "check.h"

#define HOLDS(cond) check_that((cond) ? 1 : 0, __FILE__, __LINE__, #cond)
#define STREAMS 3u
#define MOST_BLOCKS 4000u

TELEM_LABELS(modes, {0, "IDLE"}, {1, "ARMED"}, {2, "FLYING"});
#define IMU_TABLE(F) F(COUNT, u32, n, "") F(ARRAY, f32, a, 6, "m/s^2", "") F(ENUM, u8, mode, modes, "") F(FIELD, f64, noise, "", "")
TELEM_DEFINE(Imu, IMU_TABLE, "");
#define STATUS_TABLE(F) F(FIELD, f32, volts, "V", "") F(STRING, text, 20, "") F(OPT, i16, code, "", "") F(ARRAY, f64, idle, 40, "", "")
TELEM_DEFINE(Status, STATUS_TABLE, "");

typedef struct block {
    uint64_t offset, bytes, first, rows;
    uint32_t stream;
} block;

/* A file of three streams as a recorder leaves it: one fast, one with blocks a second apart, one idle. */
static struct {
    uint8_t *bytes, *copy;
    size_t size, cap;
    uint64_t rows[STREAMS];
    block block[MOST_BLOCKS];
    uint32_t blocks;
    uint64_t *memory;
    int64_t step; /* from row to row, in us */
} g;

static int64_t grow(void *user, const void *p, size_t n) {
    (void)user;
    if (g.size + n > g.cap) {
        g.cap = (g.size + n) * 2u;
        g.bytes = (uint8_t *)realloc(g.bytes, g.cap);
        if (!g.bytes) abort();
    }
    memcpy(g.bytes + g.size, p, n);
    g.size += n;
    return (int64_t)n;
}

static Imu imu_row(uint32_t i) {
    Imu r;
    uint32_t k, h = i * 2654435761u;
    memset(&r, 0, sizeof r);
    r.n = i;
    for (k = 0; k < 6; k++) r.a[k] = (float)((h >> k) % 4096u) * 0.001f;
    r.mode = (uint8_t)(i / 30000u % 3u);
    r.noise = (double)(h ^ h >> 7) * 1e-5;
    return r;
}
static Status status_row(uint32_t i) {
    Status r;
    memset(&r, 0, sizeof r);
    r.volts = 12.0f + (float)(i / 100u % 7u) * 0.1f;
    r.text.len = 4;
    memcpy(r.text.data, "good", 4);
    r.has_code = (uint8_t)(i / 1000u % 2u);
    r.code = (int16_t)(r.has_code ? 7 : 0);
    r.idle[3] = 0.25;
    return r;
}

static void make_file(uint32_t rows, int64_t step) {
    static const telem_schema *const schema[STREAMS] = {&Imu_schema, &Status_schema, &Status_schema};
    static const char *const names[STREAMS] = {"imu", "status", "idle"};
    telem_file_writer w;
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc sd[STREAMS];
    telem_clock clock = TELEM_ZERO;
    telem_io io = TELEM_ZERO;
    uint32_t i;
    size_t need;
    memset(sd, 0, sizeof sd);
    g.size = 0;
    g.step = step;
    io.write = grow;
    d.io = &io;
    need = telem_file_writer_bytes(&d);
    for (i = 0; i < STREAMS; i++) {
        sd[i].id = i + 1u;
        sd[i].name = names[i];
        sd[i].schema = schema[i];
        sd[i].clock = 5;
        need += telem_file_stream_bytes(&d, &sd[i]);
    }
    d.memory = g.memory = (uint64_t *)malloc(need + ((size_t)16 << 20));
    if (!d.memory) abort();
    d.memory_size = need;
    REQUIRE_OK(telem_file_writer_open(&w, &d));
    clock.hz_num = 1000000;
    REQUIRE_OK(telem_file_add_clock(&w, 5, &clock, "timer"));
    for (i = 0; i < STREAMS; i++) REQUIRE_OK(telem_file_add_stream(&w, &sd[i]));
    for (i = 0; i < rows; i++) {
        Imu m = imu_row(i);
        Status t = status_row(i), idle = status_row(0);
        CHECK_OK(telem_file_write(&w, 1, (int64_t)i * g.step, &m));
        if (i % 10u == 0) CHECK_OK(telem_file_write(&w, 2, (int64_t)i * g.step, &t));
        if (i % 10u == 0) CHECK_OK(telem_file_write(&w, 3, (int64_t)i * g.step, &idle));
    }
    CHECK_OK(telem_file_writer_close(&w));
    g.rows[0] = rows;
    g.rows[1] = g.rows[2] = (rows + 9u) / 10u;
    g.copy = (uint8_t *)malloc(g.size);
    if (!g.copy) abort();
    memcpy(g.copy, g.bytes, g.size);
}

static void free_file(void) {
    free(g.memory);
    free(g.copy);
}

/* Are rows what they were? Each is looked at through its struct. */
static int is_right(const telem_file_item *item) {
    Imu m, want_m;
    Status t, want_t;
    uint32_t i = (uint32_t)item->row;
    if (item->stream->id == 1) {
        want_m = imu_row(i);
        memset(&m, 0, sizeof m);
        return item->time == (int64_t)i * g.step && telem_file_get(item, &Imu_schema, &m) == TELEM_OK && m.n == want_m.n &&
               memcmp(m.a, want_m.a, sizeof m.a) == 0 && m.noise == want_m.noise && m.mode == want_m.mode;
    }
    want_t = status_row(item->stream->id == 3 ? 0 : i * 10u);
    memset(&t, 0, sizeof t);
    return item->time == (int64_t)i * 10 * g.step && telem_file_get(item, &Status_schema, &t) == TELEM_OK && t.volts == want_t.volts &&
           t.text.len == 4 && t.has_code == want_t.has_code && t.code == want_t.code && t.idle[3] == 0.25;
}

typedef struct outcome {
    uint64_t got[STREAMS], missing[STREAMS], wrong, first[STREAMS];
    telem_result code;
} outcome;

/* All of `p`, row by row; blocks are noted when `note`. The clock of the rows must be known. */
static outcome read_file(const uint8_t *p, size_t n, int note) {
    outcome o;
    telem_file_reader r;
    telem_file_reader_desc d = TELEM_ZERO;
    telem_file_item item;
    telem_memory_io state;
    telem_io io = telem_io_memory_view(&state, p, n);
    int finished = 0;
    memset(&o, 0, sizeof o);
    d.io = &io;
    d.memory_size = (size_t)16 << 20;
    d.memory = g.memory;
    o.code = telem_file_reader_open(&r, &d);
    if (o.code != TELEM_OK) return o;
    for (;;) {
        telem_result e = telem_file_next(&r, &item);
        if (e == TELEM_END && !finished) {
            finished = 1;
            (void)telem_file_reader_finish(&r);
            continue;
        }
        if (e != TELEM_OK) break;
        if (item.kind == TELEM_ITEM_MISSING && item.stream->id <= STREAMS) {
            if (!o.missing[item.stream->id - 1u]) o.first[item.stream->id - 1u] = item.row;
            o.missing[item.stream->id - 1u] += item.count;
        }
        if (item.kind != TELEM_ITEM_ROW || item.stream->id > STREAMS) continue;
        o.got[item.stream->id - 1u]++;
        if (!is_right(&item) || item.stream->clock.hz_num != 1000000) o.wrong++;
        if (!note) continue;
        if (!g.blocks || g.block[g.blocks - 1u].offset != item.offset) {
            block *b = &g.block[g.blocks++];
            if (g.blocks == MOST_BLOCKS) abort();
            b->offset = item.offset;
            b->stream = item.stream->id;
            b->first = item.row;
            b->rows = 0;
            if (g.blocks > 1 && b[-1].bytes == 0) b[-1].bytes = b->offset - b[-1].offset; /* or more */
        }
        g.block[g.blocks - 1u].rows++;
    }
    return o;
}

/* What a flipped byte at `at` costs: at most rows of the one block that it lies in; a block of the idle stream
   may take the rest of its group with it. */
static void flip(size_t at, uint8_t by) {
    outcome o;
    uint32_t i, lost = 0;
    char what[100];
    g.copy[at] ^= by;
    o = read_file(g.copy, g.size, 0);
    g.copy[at] ^= by;
    snprintf(what, sizeof what, "byte %lu of %lu", (unsigned long)at, (unsigned long)g.size);
    if (o.code != TELEM_OK || o.wrong) {
        printf("%s: code %d, %lu rows wrong\n", what, (int)o.code, (unsigned long)o.wrong);
        CHECK(0);
        return;
    }
    for (i = 0; i < STREAMS; i++) {
        uint32_t k;
        CHECK_EQ_INT(o.got[i] + o.missing[i], g.rows[i]);
        if (!o.missing[i]) continue;
        lost++;
        for (k = 0; k < g.blocks && !(g.block[k].stream == i + 1u && g.block[k].first == o.first[i]); k++) {}
        CHECK(k < g.blocks);
        if (k < g.blocks && i == 0 && (o.missing[i] != g.block[k].rows || at < g.block[k].offset || at >= g.block[k].offset + g.block[k].bytes)) {
            printf("%s: %lu rows are lost from %lu, the block has %lu at %lu\n", what, (unsigned long)o.missing[i], (unsigned long)o.first[i],
                   (unsigned long)g.block[k].rows, (unsigned long)g.block[k].offset);
            CHECK(0);
        }
    }
    CHECK(lost <= 1);
}

static void flip_many(int64_t step) {
    uint64_t rng = check_seed(), most = 0;
    uint32_t i, n = check_quick() ? 25 : 200;
    outcome o;
    make_file(check_quick() ? 60000 : 200000, step);
    g.blocks = 0;
    memset(g.block, 0, sizeof g.block);
    o = read_file(g.bytes, g.size, 1);
    CHECK_EQ_INT(o.code, TELEM_OK);
    CHECK_EQ_INT(o.wrong, 0);
    for (i = 0; i < STREAMS; i++) CHECK_EQ_INT(o.got[i], g.rows[i]);
    for (i = 0; i + 1u < g.blocks; i++)
        if (g.block[i].bytes > most) most = g.block[i].bytes;
    if (getenv("CHECK_VERBOSE")) printf("%lu bytes, %u data blocks, the largest %lu\n", (unsigned long)g.size, g.blocks, (unsigned long)most);
    CHECK(most <= 65536u + 1024u); /* index and repeats between two included */
    for (i = 0; i < 1400; i += check_quick() ? 57 : 7) flip(i, (uint8_t)(1u << check_rand(&rng) % 8u)); /* header, clock, schemas */
    for (i = 0; i < n; i++) flip((size_t)(check_rand(&rng) % g.size), (uint8_t)(1u << check_rand(&rng) % 8u));
    free_file();
}

TEST(one_flipped_byte_costs_its_own_block) { flip_many(100); } /* blocks of a second */
TEST(also_where_blocks_are_full) { flip_many(1); }

/* The first header cut off, or all up to some block: what is left is read from the repeat on. */
TEST(a_file_without_its_begin_is_read) {
    outcome o;
    make_file(60000, 100);
    o = read_file(g.bytes + 200, g.size - 200, 0);
    CHECK_EQ_INT(o.code, TELEM_OK);
    CHECK_EQ_INT(o.wrong, 0);
    CHECK(o.got[0] > 50000);
    free_file();
}

/* Rows of 1,000 channels have blocks of some hundred KB. Who reads by columns loses of one that is damaged only the
   chunk (about 1 KB, some columns) that the byte lies in; its head, of some KB, costs the block. */
enum { WIDE = 1000, WIDE_ROWS = 1600 };
static float wide_value(uint32_t row, uint32_t c) { return (float)((row * 2654435761u + c * 40503u) % 65521u) * 0.37f; }

static void wide_file(void) {
    static uint8_t memory[4096];
    static float x[WIDE];
    const telem_schema *schema = NULL;
    telem_schema_builder b;
    telem_field f = TELEM_ZERO;
    telem_file_writer w;
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc sd = TELEM_ZERO;
    telem_io io = TELEM_ZERO;
    uint32_t i, c;
    REQUIRE_OK(telem_schema_builder_init(&b, memory, sizeof memory, "wide", ""));
    f.name = "x";
    f.type = TELEM_F32;
    f.count = WIDE;
    REQUIRE_OK(telem_schema_builder_add(&b, &f));
    REQUIRE_OK(telem_schema_builder_finish(&b, &schema));
    g.size = 0;
    io.write = grow;
    d.io = &io;
    sd.id = 1;
    sd.schema = schema;
    d.memory_size = telem_file_writer_bytes(&d) + telem_file_stream_bytes(&d, &sd);
    d.memory = g.memory = (uint64_t *)malloc(d.memory_size);
    if (!d.memory) abort();
    REQUIRE_OK(telem_file_writer_open(&w, &d));
    REQUIRE_OK(telem_file_add_stream(&w, &sd));
    for (i = 0; i < WIDE_ROWS; i++) {
        for (c = 0; c < WIDE; c++) x[c] = wide_value(i, c);
        CHECK_OK(telem_file_write(&w, 1, (int64_t)i * 1000000, x));
    }
    CHECK_OK(telem_file_writer_close(&w));
    free(g.memory);
}

/* Columns of which a row is missing, a hundred of them to a call. */
static uint32_t wide_read(uint64_t *values) {
    static float x[100][WIDE_ROWS];
    telem_file_reader r;
    telem_file_reader_desc d = TELEM_ZERO;
    telem_memory_io state;
    telem_io io = telem_io_memory_view(&state, g.bytes, g.size);
    uint32_t at, c, i, hurt = 0;
    *values = 0;
    d.io = &io;
    d.memory_size = (size_t)16 << 20;
    d.memory = malloc(d.memory_size);
    if (!d.memory) abort();
    CHECK_OK(telem_file_reader_open(&r, &d));
    CHECK(telem_file_reader_scan(&r, NULL, 0) >= 0);
    for (at = 0; at < WIDE; at += 100) {
        telem_file_into into[100];
        telem_file_read q = TELEM_ZERO;
        memset(into, 0, sizeof into);
        memset(x, 0xFF, sizeof x);
        for (c = 0; c < 100; c++) into[c].column = at + c, into[c].data = x[c];
        q.stream = telem_file_reader_find(&r, "wide");
        if (!HOLDS(q.stream != NULL)) break;
        q.rows = WIDE_ROWS;
        q.columns = into;
        q.count = 100;
        (void)telem_file_read_columns(&r, &q, 1);
        for (c = 0; c < 100; c++) {
            uint32_t good = 0, other = 0;
            for (i = 0; i < WIDE_ROWS; i++) {
                uint32_t bits;
                memcpy(&bits, &x[c][i], 4);
                good += x[c][i] == wide_value(i, at + c);
                other += bits != 0xFFFFFFFFu && x[c][i] != wide_value(i, at + c);
            }
            CHECK_EQ_INT(other, 0);
            hurt += good < WIDE_ROWS;
            *values += WIDE_ROWS - good;
        }
    }
    free(d.memory);
    return hurt;
}

TEST(by_columns_it_costs_a_chunk_of_a_wide_block) {
    uint64_t rng = check_seed(), values;
    uint32_t i, n = check_quick() ? 6 : 30, hurt, chunks = 0;
    wide_file();
    CHECK_EQ_INT(wide_read(&values), 0);
    for (i = 0; i < n; i++) {
        size_t at = (size_t)(check_rand(&rng) % g.size);
        uint8_t by = (uint8_t)(1u << check_rand(&rng) % 8u);
        g.bytes[at] ^= by;
        hurt = wide_read(&values);
        g.bytes[at] ^= by;
        chunks += hurt > 0 && values * 4u <= 65536u;
        if (getenv("CHECK_VERBOSE")) printf("byte %lu of %lu: %u columns, %lu values\n", (unsigned long)at, (unsigned long)g.size, hurt, (unsigned long)values);
    }
    CHECK(chunks * 2u > n);
}

int main(void) {
    RUN(one_flipped_byte_costs_its_own_block);
    RUN(also_where_blocks_are_full);
    RUN(a_file_without_its_begin_is_read);
    RUN(by_columns_it_costs_a_chunk_of_a_wide_block);
    free(g.bytes);
    return CHECK_MAIN_END();
}
