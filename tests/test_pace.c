/* test_pace.c - when blocks of columns are coded: by the rows that come next, by the row that fills the block, by a
   helper. The same bytes whatever the pace, no row does much in the first, none waits longer than max_age.
   UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#include "file_kit.h"

enum { PACES = 3 };

typedef struct lane { /* the same rows in another pace */
    kit_file f;
    kit_writer k;
} lane;

static uint64_t begin_lanes(lane *l, kit_schema *schemas, uint32_t streams, const telem_file_writer_desc *desc) {
    uint32_t i, j;
    for (i = 0; i < PACES; i++) {
        telem_file_writer_desc d = *desc;
        telem_io io;
        memset(&l[i], 0, sizeof l[i]);
        for (j = 0; j < streams; j++) (void)kit_add(&l[i].f, j + 1u, schemas[j].schema, 0);
        d.pace = (uint8_t)i;
        d.coding = TELEM_FILE_COLUMNS;
        d.session = 99;
        io = kit_io(&l[i].f);
        CHECK_OK(kit_open(&l[i].k, &l[i].f, &d, &io));
        CHECK_OK(kit_add_streams(&l[i].k, &l[i].f));
    }
    return 0;
}

static void check_lanes(lane *l) {
    uint32_t i;
    for (i = 0; i < PACES; i++) {
        kit_reader r;
        CHECK_OK(kit_close(&l[i].k));
        CHECK_EQ_INT(l[i].f.size, l[0].f.size);
        if (l[i].f.size == l[0].f.size) CHECK(memcmp(l[i].f.bytes, l[0].f.bytes, l[0].f.size) == 0);
        if (i == 0) {
            CHECK_OK(kit_read_memory(&r, &l[0].f, l[0].f.bytes, l[0].f.size, (size_t)64 << 20));
            CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
            CHECK_EQ_INT(kit_delivered(&l[0].f), kit_written(&l[0].f));
            kit_reader_end(&r);
        }
    }
    for (i = 0; i < PACES; i++) kit_free_file(&l[i].f);
}

/* Random schemas; the helper works at any moment between two rows. */
TEST(each_pace_gives_the_same_bytes) {
    uint64_t rng = kit_seed(1);
    int round, rounds = check_quick() ? 10 : 60;
    static lane l[PACES];
    for (round = 0; round < rounds && !check_g.bad; round++) {
        kit_schema schemas[4];
        telem_file_writer_desc d = TELEM_ZERO;
        uint8_t *row[4];
        int64_t t[4] = {0, 0, 0, 0};
        uint32_t streams = 1u + kit_below(&rng, 4), i, j, p, rows = 200u + kit_below(&rng, 4000), calm = 1u + kit_below(&rng, 30);
        kit_pace pace = (kit_pace)kit_below(&rng, KIT_PACES);
        uint32_t lazy = 1u + kit_below(&rng, 30);
        kit_at("round %d, state %llu", round, (unsigned long long)rng);
        for (i = 0; i < streams; i++) {
            kit_random_schema(&schemas[i], &rng);
            row[i] = (uint8_t *)kit_alloc(telem_schema_row_size(schemas[i].schema));
            memset(row[i], 0, telem_schema_row_size(schemas[i].schema));
        }
        d.level = (uint8_t)kit_below(&rng, 3);
        d.block_rows = kit_one_in(&rng, 2) ? 0 : 10u + kit_below(&rng, 500);
        d.block_bytes = kit_one_in(&rng, 2) ? 0 : 200u + kit_below(&rng, 5000);
        d.max_age_ns = kit_one_in(&rng, 2) ? 0 : 20000000u;
        d.index_blocks = kit_one_in(&rng, 2) ? 0 : 3;
        (void)begin_lanes(l, schemas, streams, &d);
        for (j = 0; j < rows; j++) {
            i = kit_one_in(&rng, 3) ? kit_below(&rng, streams) : 0;
            t[i] = kit_step_time(pace, t[i], &rng);
            if (!kit_one_in(&rng, 3)) kit_step_row(schemas[i].schema, row[i], &rng, calm);
            for (p = 0; p < PACES; p++) CHECK_OK(telem_file_write_row(&l[p].k.w, i + 1u, t[i], row[i]));
            kit_note_row(&l[0].f.s[i], t[i], row[i]);
            for (p = kit_one_in(&rng, lazy) ? kit_below(&rng, 20) : 0; p; p--) CHECK(telem_file_work(&l[TELEM_FILE_HELPER].k.w) >= 0);
            if (kit_one_in(&rng, 700))
                for (p = 0; p < PACES; p++) CHECK_OK(telem_file_writer_flush(&l[p].k.w));
        }
        check_lanes(l);
        for (i = 0; i < streams; i++) {
            free(row[i]);
            kit_free_schema(&schemas[i]);
        }
    }
}

/* ---- one stream of numbers ---- */

typedef struct one {
    telem_schema_builder b;
    uint8_t memory[4096];
    const telem_schema *schema;
    telem_file_writer w;
    telem_file_writer_desc d;
    telem_file_stream_desc sd;
    telem_io io;
    kit_file f;
    void *mem;
    size_t largest, now; /* bytes written within a row */
    int64_t failing;
} one;

static int64_t one_write(void *user, const void *p, size_t n) {
    one *k = (one *)user;
    if (k->failing) return k->failing;
    k->now += n;
    return kit_grow_write(&k->f, p, n);
}

static void one_open(one *k, uint32_t channels, uint8_t pace) {
    telem_field f = TELEM_ZERO;
    memset(&k->f, 0, sizeof k->f);
    CHECK_OK(telem_schema_builder_init(&k->b, k->memory, sizeof k->memory, "one", ""));
    f.name = "x";
    f.type = TELEM_F32;
    f.count = (uint16_t)channels;
    CHECK_OK(telem_schema_builder_add(&k->b, &f));
    CHECK_OK(telem_schema_builder_finish(&k->b, &k->schema));
    memset(&k->io, 0, sizeof k->io);
    k->io.user = k;
    k->io.write = one_write;
    k->d.io = &k->io;
    k->d.coding = TELEM_FILE_COLUMNS;
    k->d.session = 7;
    k->d.pace = pace;
    k->sd.id = 1;
    k->sd.schema = k->schema;
    k->d.memory_size = telem_file_writer_bytes(&k->d) + telem_file_stream_bytes(&k->d, &k->sd);
    k->d.memory = k->mem = kit_alloc(k->d.memory_size);
    CHECK_OK(telem_file_writer_open(&k->w, &k->d));
    CHECK_OK(telem_file_add_stream(&k->w, &k->sd));
}

static uint64_t one_rows(const one *k, uint64_t *missing) {
    kit_file copy = k->f;
    telem_file_reader r;
    telem_file_reader_desc d = TELEM_ZERO;
    telem_memory_io m;
    telem_io io = telem_io_memory_view(&m, copy.bytes, copy.size);
    telem_file_item item;
    uint64_t rows = 0, lost = 0;
    d.io = &io;
    d.memory_size = (size_t)16 << 20;
    d.memory = kit_alloc(d.memory_size);
    CHECK_OK(telem_file_reader_open(&r, &d));
    while (telem_file_next(&r, &item) == TELEM_OK) {
        if (item.kind == TELEM_ITEM_ROW) rows++;
        if (item.kind == TELEM_ITEM_MISSING) lost += item.count;
    }
    free(d.memory);
    if (missing) *missing = lost;
    return rows;
}

static void one_end(one *k) {
    free(k->mem);
    free(k->f.bytes);
}

/* SPREAD: no row codes more than some columns nor writes more than some pieces. With the least step_ns it is some (a column
   goes in steps, cheap ones are several to a row); the bytes are the same. */
static kit_file little(uint32_t step_ns, uint32_t columns, uint32_t pieces) {
    enum { CHANNELS = 100, ROWS = 6000 };
    static one k;
    float x[CHANNELS];
    uint64_t rng = kit_seed(2);
    uint32_t i, c, most = 0, steps = 0, before = 0, number;
    int coded = 0, codes;
    memset(&k, 0, sizeof k);
    k.d.step_ns = step_ns;
    one_open(&k, CHANNELS, TELEM_FILE_SPREAD);
    for (i = 0; i < ROWS; i++) {
        for (c = 0; c < CHANNELS; c++) x[c] = (float)(kit_below(&rng, 4096) + c);
        k.now = 0;
        CHECK_OK(telem_file_write(&k.w, 1, (int64_t)i * 100000, x));
        if (k.now > k.largest) k.largest = k.now;
        codes = peek_column_step(&k.w, &number);
        if (codes && coded && number > before) {
            steps = number - before;
            if (steps > most) most = steps;
        }
        coded = codes;
        before = number;
    }
    CHECK(most >= 1);
    CHECK(most <= columns);
    CHECK(k.largest > 4096);
    CHECK(k.largest <= pieces * peek_write_piece() + 8192u); /* or the last one and an index */
    CHECK_OK(telem_file_writer_close(&k.w));
    CHECK_EQ_INT(one_rows(&k, NULL), ROWS);
    free(k.mem);
    return k.f;
}
TEST(a_row_pays_for_little) {
    kit_file least = little(1, 3, 1), usual = little(0, 5, 2), much = little(50000, 50, 12);
    CHECK_EQ_INT(least.size, usual.size);
    CHECK_EQ_INT(least.size, much.size);
    CHECK_MEM(least.bytes, usual.bytes, least.size);
    CHECK_MEM(least.bytes, much.bytes, least.size);
    free(least.bytes);
    free(usual.bytes);
    free(much.bytes);
}

/* Slow rows, of which a block holds few: each is with the io max_age after it came, as far as rows come. */
TEST(no_row_waits_longer_than_max_age) {
    static const uint32_t per_second[] = {1, 3, 10, 100, 1000};
    static one k;
    float x[20];
    uint32_t i, s, c;
    for (s = 0; s < 5; s++)
        for (c = 0; c < PACES; c++) {
            uint64_t with_io = 0, step = 1000000000u / per_second[s];
            memset(&k, 0, sizeof k);
            one_open(&k, 20, (uint8_t)c);
            for (i = 0; i < per_second[s] * 5u + 3u; i++) {
                uint32_t j;
                uint64_t overdue;
                for (j = 0; j < 20; j++) x[j] = (float)(i * j);
                CHECK_OK(telem_file_write(&k.w, 1, (int64_t)(i * step), x));
                if (c == TELEM_FILE_HELPER)
                    while (telem_file_work(&k.w) > 0) {}
                with_io = peek_sealed_row(&k.w, 1);
                overdue = i * step >= 1000000000u ? (i * step - 1000000000u) / step : 0; /* rows before it are older than a second */
                CHECK(with_io >= overdue);
            }
            CHECK_OK(telem_file_writer_close(&k.w));
            CHECK_EQ_INT(one_rows(&k, NULL), i);
            one_end(&k);
        }
}

/* poll brings out what is old where no rows come any more. */
TEST(poll_brings_out_what_is_old) {
    static one k;
    float x[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    uint32_t i, pace;
    for (pace = 0; pace < PACES; pace++) {
        memset(&k, 0, sizeof k);
        one_open(&k, 8, (uint8_t)pace);
        for (i = 0; i < 700; i++) {
            x[i % 8] += 1;
            CHECK_OK(telem_file_write(&k.w, 1, i * 1000, x));
        }
        CHECK_OK(telem_file_writer_poll(&k.w, 0, 1000));
        CHECK_EQ_INT(one_rows(&k, NULL), 0);
        CHECK_OK(telem_file_writer_poll(&k.w, 0, 1100000000));
        CHECK_EQ_INT(one_rows(&k, NULL), 700);
        CHECK_OK(telem_file_writer_close(&k.w));
        one_end(&k);
    }
}

/* An error in the middle of a block's way out: every row is delivered, or told as lost, in each pace. */
TEST(what_an_error_costs_is_told) {
    uint64_t rng = kit_seed(3);
    static one k;
    int round, rounds = check_quick() ? 30 : 300;
    for (round = 0; round < rounds; round++) {
        float x[8] = {0, 0, 0, 0, 0, 0, 0, 0};
        uint64_t rows, missing = 0, offered = 0;
        uint32_t i, fail_at, clear_at;
        memset(&k, 0, sizeof k);
        k.d.block_rows = 50;
        one_open(&k, 8, (uint8_t)(round % PACES));
        fail_at = kit_below(&rng, 400);
        clear_at = fail_at + 1u + kit_below(&rng, 200);
        for (i = 0; i < 700; i++) {
            x[kit_below(&rng, 8)] = (float)kit_below(&rng, 1000);
            if (i == fail_at) k.failing = TELEM_ERR_SPACE;
            if (i == clear_at) {
                k.failing = 0;
                CHECK_OK(telem_file_writer_clear(&k.w));
            }
            (void)telem_file_write(&k.w, 1, i * 1000, x);
            offered++;
            if (k.d.pace == TELEM_FILE_HELPER && kit_one_in(&rng, 3)) (void)telem_file_work(&k.w);
        }
        CHECK_OK(telem_file_writer_close(&k.w));
        rows = one_rows(&k, &missing);
        CHECK_EQ_INT(rows + missing, offered);
        CHECK_EQ_INT(telem_file_writer_get_stats(&k.w).lost, missing);
        one_end(&k);
    }
}

/* Wide rows one by one and by columns, in turns: blocks and tiles begin anywhere. */
TEST(wide_rows_by_rows_and_by_columns_come_back) {
    enum { WIDE = 300, MOST = 40 };
    static one k;
    static float x[WIDE], columns[WIDE][MOST];
    static uint8_t row[16 + 4 * WIDE];
    static uint64_t memory[(8 << 20) / 8];
    uint64_t rng = kit_seed(5);
    uint32_t round, rounds = check_quick() ? 6 : 40;
    for (round = 0; round < rounds && !check_g.bad; round++) {
        telem_file_column c[WIDE];
        int64_t times[MOST];
        uint32_t i, e, n, at = 0, rows = 300u + kit_below(&rng, 1200), wrong = 0;
        telem_file_reader r;
        telem_file_reader_desc d = TELEM_ZERO;
        telem_file_item item;
        telem_memory_io m;
        telem_io io;
        uint64_t seen = 0;
        memset(&k, 0, sizeof k);
        k.d.level = (uint8_t)kit_below(&rng, 2);
        k.d.block_rows = kit_one_in(&rng, 2) ? 0 : 30u + kit_below(&rng, 400);
        one_open(&k, WIDE, (uint8_t)(round % PACES));
        while (at < rows) {
            n = 1u + kit_below(&rng, kit_one_in(&rng, 3) ? 3 : MOST);
            if (kit_one_in(&rng, 2)) {
                for (i = 0; i < n; i++, at++) {
                    for (e = 0; e < WIDE; e++) x[e] = (float)(at * 7u + e);
                    CHECK_OK(telem_file_write(&k.w, 1, at * 1000, x));
                }
                continue;
            }
            for (i = 0; i < n; i++, at++) {
                times[i] = at * 1000;
                for (e = 0; e < WIDE; e++) columns[e][i] = (float)(at * 7u + e);
            }
            memset(c, 0, sizeof c);
            for (e = 0; e < WIDE; e++) c[e].data = columns[e];
            CHECK_OK(telem_file_write_columns(&k.w, 1, n, times, c, WIDE));
            if (round % PACES == TELEM_FILE_HELPER) (void)telem_file_work(&k.w);
        }
        CHECK_OK(telem_file_writer_close(&k.w));
        io = telem_io_memory_view(&m, k.f.bytes, k.f.size);
        d.io = &io;
        d.memory = memory;
        d.memory_size = sizeof memory;
        CHECK_OK(telem_file_reader_open(&r, &d));
        while (telem_file_next(&r, &item) == TELEM_OK) {
            if (item.kind != TELEM_ITEM_ROW) continue;
            memcpy(row, item.data, 4 * WIDE);
            for (e = 0; e < WIDE; e++) {
                float v = (float)(seen * 7u + e);
                uint8_t bytes[4];
                uint32_t bits;
                memcpy(&bits, &v, 4);
                telem_put32(bytes, bits);
                wrong += memcmp(bytes, row + 4u * e, 4) != 0;
            }
            wrong += item.time != (int64_t)seen++ * 1000;
        }
        CHECK_EQ_INT(seen, at);
        CHECK_EQ_INT(wrong, 0);
        one_end(&k);
    }
}

TEST(work_is_for_helpers_only) {
    static one k;
    memset(&k, 0, sizeof k);
    CHECK_EQ_INT(telem_file_work(NULL), TELEM_ERR_STATE);
    one_open(&k, 8, TELEM_FILE_SPREAD);
    CHECK_EQ_INT(telem_file_work(&k.w), TELEM_ERR_STATE);
    CHECK_OK(telem_file_writer_close(&k.w));
    one_end(&k);
    memset(&k, 0, sizeof k);
    one_open(&k, 8, TELEM_FILE_HELPER);
    CHECK_EQ_INT(telem_file_work(&k.w), 0);
    CHECK_OK(telem_file_writer_close(&k.w));
    one_end(&k);
}

/* A thousand channels in which nothing happens: each block a few dozen bytes. */
TEST(an_idle_stream_costs_next_to_nothing) {
    static one k;
    static float x[1000];
    size_t before;
    uint32_t i, seconds = check_quick() ? 10 : 100; /* an emulator takes four minutes for a hundred */
    memset(&k, 0, sizeof k);
    one_open(&k, 1000, TELEM_FILE_SPREAD);
    for (i = 0; i < 1000; i++) x[i] = (float)i;
    for (i = 0; i < 20000; i++) CHECK_OK(telem_file_write(&k.w, 1, (int64_t)i * 100000, x));
    before = k.f.size;
    for (; i < 20000 + seconds * 10000u; i++) (void)telem_file_write(&k.w, 1, (int64_t)i * 100000, x);
    CHECK(k.f.size - before < seconds * 200u); /* KEY blocks included */
    CHECK_OK(telem_file_writer_close(&k.w));
    CHECK_EQ_INT(telem_file_writer_get_stats(&k.w).rows, 20000 + seconds * 10000u);
    one_end(&k);
}

int main(void) {
    RUN(each_pace_gives_the_same_bytes);
    RUN(a_row_pays_for_little);
    RUN(no_row_waits_longer_than_max_age);
    RUN(poll_brings_out_what_is_old);
    RUN(what_an_error_costs_is_told);
    RUN(wide_rows_by_rows_and_by_columns_come_back);
    RUN(work_is_for_helpers_only);
    RUN(an_idle_stream_costs_next_to_nothing);
    return CHECK_MAIN_END();
}
