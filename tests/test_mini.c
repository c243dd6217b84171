/* test_mini.c - telem_file.h's mini coding (section 7): decimals, idle columns, blocks that do not fit,
   any bytes as a payload. test_file_*_mini.c run the files' other tests in this coding.  UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#define TEST_CODING TELEM_FILE_MINI
#include "file_kit.h"

#define READER_MEMORY (1u << 20)

#define POWER_TABLE(F) \
    F(COUNT, u32, n, "") F(FULL, f32, volt, 0, "V", 1.0, 0.0, TELEM_DECIMALS(3), 0, "") F(FIELD, f32, raw, "", "") \
    F(FIELD, u16, adc, "", "") F(FIELD, f64, real, "", "") F(FIELD, i64, wide, "", "") F(FIELD, bool_, on, "", "") \
    F(OPT, i8, o, "", "") F(STRING, text, 9, "") F(FIELD, u8, still, "", "")
TELEM_DEFINE(Power, POWER_TABLE, "");
#define MANY_TABLE(F) F(ARRAY, f32, f, 1000, "", "")
TELEM_DEFINE(Lots, MANY_TABLE, "");

typedef struct made {
    kit_file f;
    kit_writer w;
    telem_io io;
} made;

static void begin(made *m, const telem_schema *schema, telem_file_writer_desc d) {
    memset(m, 0, sizeof *m);
    d.coding = TELEM_FILE_MINI;
    if (!d.max_age_ns) d.max_age_ns = UINT64_MAX;
    m->io = kit_io(&m->f);
    (void)kit_add(&m->f, 1, schema, 0);
    REQUIRE_OK(kit_open(&m->w, &m->f, &d, &m->io));
    REQUIRE_OK(kit_add_streams(&m->w, &m->f));
}

static void put(made *m, int64_t time, const void *rec) {
    uint8_t row[8192];
    CHECK_OK(telem_file_write(&m->w.w, 1, time, rec));
    CHECK_OK(telem_schema_pack(m->f.s[0].schema, rec, row));
    kit_note_row(&m->f.s[0], time, row);
}

/* Closes, reads all back; returns the number of mini blocks, *keys of them KEY, *bytes their payloads. */
static uint32_t finish(made *m, uint32_t *keys, size_t *bytes) {
    static kit_block b[4000];
    kit_reader r;
    uint32_t n = 0;
    size_t i, count;
    CHECK_OK(kit_close(&m->w));
    CHECK_OK(kit_read_memory(&r, &m->f, m->f.bytes, m->f.size, READER_MEMORY));
    CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
    kit_check_account(&m->f);
    CHECK_EQ_INT(kit_missing(&m->f), 0);
    CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], 0);
    CHECK_EQ_INT(r.items[TELEM_ITEM_ROW], m->f.s[0].n);
    kit_reader_end(&r);
    count = kit_blocks(m->f.bytes, m->f.size, b, 4000);
    *keys = 0;
    *bytes = 0;
    for (i = 0; i < count; i++) {
        if ((b[i].kind & 0x1F) != TELEM_BLOCK_MINI) continue;
        n++;
        *bytes += (size_t)b[i].len;
        if (b[i].kind & 0x40) ++*keys;
    }
    kit_free_file(&m->f);
    return n;
}

static telem_file_writer_desc plain(void) {
    telem_file_writer_desc d;
    memset(&d, 0, sizeof d);
    d.block_bytes = 30000;
    d.max_block = 1u << 17;
    d.key_bytes = 1u << 20;
    return d;
}

/* 500 rows of a voltage with three decimals; `odd`: that row has a value without decimals. */
static uint32_t volts(uint32_t odd, uint32_t *keys, size_t *bytes) {
    made m;
    Power p;
    uint64_t rng = kit_seed(2);
    uint32_t i;
    memset(&p, 0, sizeof p);
    begin(&m, &Power_schema, plain());
    for (i = 0; i < 500; i++) {
        p.n++;
        p.volt = (float)(12000 + (int)kit_below(&rng, 16)) / 1000.0f;
        if (i == odd) p.volt = 1.0e-20f;
        put(&m, 1000 * (int64_t)i, &p);
    }
    return finish(&m, keys, bytes);
}

TEST(decimals_cost_what_they_say) {
    uint32_t keys;
    size_t bytes, bits;
    CHECK_EQ_INT(volts(UINT32_MAX, &keys, &bytes), 33); /* 500 rows by 16, the KEY block's row alone */
    CHECK_EQ_INT(keys, 1);
    CHECK(bytes < 500u * 5u / 8u + 32u * 5u + 40u); /* 5 bits a value; mask, head */
    CHECK_EQ_INT(volts(3, &keys, &bits), 33); /* in the first block: the group goes by bits */
    CHECK_EQ_INT(keys, 1);
    CHECK(bits > 2u * bytes);
}

TEST(a_value_without_decimals_begins_a_group) {
    uint32_t keys;
    size_t bytes;
    CHECK_EQ_INT(volts(300, &keys, &bytes), 34);
    CHECK_EQ_INT(keys, 2);
}

TEST(decimals_at_their_edges_come_back) {
    static const float values[] = {0.0f, 16777.215f, -16777.215f, 0.5f, -0.0f, 16777.216f, -16777.216f, 0.001f, -0.001f, 0.0005f, 1e30f, -1e30f};
    made m;
    Power p;
    uint32_t i, k, keys, nan = 0x7FC12345u, inf = 0xFF800000u, tiny = 1;
    size_t bytes;
    memset(&p, 0, sizeof p);
    begin(&m, &Power_schema, plain());
    for (i = 0; i < 400; i++) {
        k = i / 3 % 15;
        if (k < 12) p.volt = values[k];
        else memcpy(&p.volt, k == 12 ? &nan : k == 13 ? &inf : &tiny, 4);
        put(&m, i, &p);
        if (i % 7 == 0) CHECK_OK(telem_file_writer_flush(&m.w.w));
    }
    CHECK(finish(&m, &keys, &bytes) > 25);
    CHECK(keys >= 2);
}

TEST(idle_columns_cost_nothing) {
    made m;
    Power p;
    uint32_t i, keys;
    size_t bytes;
    memset(&p, 0, sizeof p);
    p.raw = 1.5f;
    p.text.len = 2;
    begin(&m, &Power_schema, plain());
    for (i = 0; i < 1600; i++) { /* a counter that counts, times that go on: idle, too */
        p.n++;
        put(&m, 500 + 20 * (int64_t)i, &p);
    }
    CHECK_EQ_INT(finish(&m, &keys, &bytes), 101);
    CHECK(bytes <= 99u * 4u + 120u); /* two empty groups of eight: a mask and a number, and what the first block says */
}

#define STILL_TABLE(F) F(ARRAY, f32, f, 20, "", "") F(OPT, i8, o, "", "") F(STRING, text, 9, "") F(FIELD, u16, adc, "", "")
TELEM_DEFINE(Still, STILL_TABLE, "");

/* 3,000 rows, a change (of a value, of the time's step, to an absent field) after 1 to `most` of them. */
static uint32_t still(uint32_t rows, uint32_t most, telem_file_writer_desc d, uint32_t *keys, size_t *bytes) {
    made m;
    Still p;
    uint64_t rng = check_seed();
    uint32_t i, left = 0, what;
    int64_t t = 0, step = 10;
    memset(&p, 0, sizeof p);
    d.block_rows = rows;
    p.has_o = 1;
    begin(&m, &Still_schema, d);
    for (i = 0; i < 3000; i++, left--, t += step) {
        if (left == 0) {
            left = 1u + kit_below(&rng, most);
            what = kit_below(&rng, 5);
            if (what == 0) step = (int64_t)kit_below(&rng, 100) - 20;
            else if (what == 1) p.has_o = !p.has_o;
            else if (what == 2) p.text.len = kit_below(&rng, 9);
            else p.adc++;
        }
        put(&m, t, &p);
        if (kit_one_in(&rng, 400)) CHECK_OK(telem_file_writer_flush(&m.w.w));
    }
    return finish(&m, keys, bytes);
}

TEST(rows_without_a_change_are_joined) {
    static const uint32_t sizes[] = {1, 2, 3, 16, 32};
    telem_file_writer_desc d = plain();
    uint32_t keys, i, k;
    size_t bytes;
    CHECK(still(16, 100000, d, &keys, &bytes) < 30); /* flushes, no more */
    CHECK(bytes < 700);
    for (i = 0; i < (check_quick() ? 10u : 40u); i++)
        for (k = 0; k < 5; k++) {
            d = plain();
            d.profile = i % 2 ? TELEM_FILE_WIRE : TELEM_FILE_DISK;
            d.block_bytes = 1000, d.key_bytes = i % 3 ? 1u << 20 : 500; /* KEY blocks and indexes in mid-run */
            (void)still(sizes[k], i % 5 ? 40 : 500, d, &keys, &bytes);
        }
}

static int fails;
static int64_t take_or_fail(void *user, const void *p, size_t n) { return fails ? (int64_t)TELEM_ERR_IO : kit_grow_write(user, p, n); }

/* A row that may be refused. */
static telem_result offer(made *m, uint32_t stream, int64_t time, const Still *p) {
    uint8_t row[512];
    CHECK_OK(telem_schema_pack(&Still_schema, p, row));
    kit_note_row(&m->f.s[stream - 1u], time, row);
    return telem_file_write(&m->w.w, stream, time, p);
}

/* A run waits, then a row is refused: the run begins with a KEY block. That fails: the rest comes later, with its times. */
TEST(a_key_block_that_fails_in_a_run_costs_its_own_row) {
    made m;
    kit_reader r;
    Still p;
    telem_file_writer_desc d = plain();
    uint32_t i;
    memset(&p, 0, sizeof p);
    d.profile = TELEM_FILE_WIRE;
    d.block_rows = 8;
    memset(&m, 0, sizeof m);
    d.coding = TELEM_FILE_MINI;
    d.max_age_ns = d.announce_ns = UINT64_MAX;
    m.io = kit_io(&m.f);
    m.io.write = take_or_fail;
    (void)kit_add(&m.f, 1, &Still_schema, 0);
    (void)kit_add(&m.f, 2, &Still_schema, 0);
    fails = 0;
    REQUIRE_OK(kit_open(&m.w, &m.f, &d, &m.io));
    REQUIRE_OK(kit_add_streams(&m.w, &m.f));
    p.adc = 7;
    for (i = 0; i < 100; i++) {
        CHECK_OK(offer(&m, 1, 1000 + 30 * (int64_t)i, &p));
        if (i == 50) CHECK_OK(telem_file_writer_flush(&m.w.w));
    }
    fails = 1;
    for (i = 0; i < 40 && offer(&m, 2, (int64_t)i, &p) == TELEM_OK; i++) p.f[i % 20u] += 1.0f;
    CHECK_EQ_INT(telem_file_writer_error(&m.w.w).code, TELEM_ERR_IO);
    CHECK_EQ_INT(offer(&m, 1, 4000, &p), TELEM_ERR_IO);
    for (i = 0; i < 2; i++) CHECK_EQ_INT(telem_file_writer_clear(&m.w.w), TELEM_ERR_IO); /* the KEY block */
    fails = 0;
    CHECK_OK(telem_file_writer_clear(&m.w.w));
    for (i = 0; i < 100; i++) CHECK_OK(offer(&m, 1, 5000 + 30 * (int64_t)i, &p));
    (void)kit_close(&m.w);
    CHECK_OK(kit_read_memory(&r, &m.f, m.f.bytes, m.f.size, READER_MEMORY));
    CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
    kit_check_account(&m.f);
    CHECK_EQ_INT(m.f.s[0].n - m.f.s[0].delivered, 3); /* the rows of the KEY blocks, the one that was refused */
    kit_reader_end(&r);
    kit_free_file(&m.f);
}

TEST(steps_of_every_width_come_back) {
    made m;
    Power p;
    uint64_t rng = kit_seed(5), bits;
    uint32_t i, keys;
    size_t bytes;
    int64_t t = 0;
    memset(&p, 0, sizeof p);
    begin(&m, &Power_schema, plain());
    for (i = 0; i < 4000; i++) {
        uint32_t shift = kit_below(&rng, 64);
        if (kit_one_in(&rng, 2)) p.wide = (int64_t)((uint64_t)p.wide + (check_rand(&rng) >> shift));
        else p.wide = kit_one_in(&rng, 2) ? INT64_MIN : INT64_MAX;
        bits = check_rand(&rng);
        memcpy(&p.real, &bits, 8);
        memcpy(&p.raw, &bits, 4);
        p.adc = (uint16_t)(p.adc + (bits >> (48 + shift % 16)));
        p.on = kit_one_in(&rng, 9);
        p.n += kit_one_in(&rng, 50) ? 7 : 1;
        p.has_o = (uint8_t)!kit_one_in(&rng, 40);
        p.o = p.has_o ? (int8_t)(bits & 0x7F) : 0;
        p.text.len = kit_below(&rng, 10);
        memset(p.text.data, 0, sizeof p.text.data);
        memset(p.text.data, 'a' + (int)kit_below(&rng, 3), p.text.len);
        t = (int64_t)((uint64_t)t + (kit_one_in(&rng, 9) ? check_rand(&rng) >> shift : 1000));
        put(&m, t, &p);
    }
    CHECK(finish(&m, &keys, &bytes) >= 250);
}

#define CHOICE_TABLE(F) F(FIELD, u16, wraps, "", "") F(COUNT, u32, n, "") F(COUNT, u8, m, "") F(FIELD, i32, bends, "", "")
TELEM_DEFINE(Choice, CHOICE_TABLE, "");

/* Bytes of 16 rows behind the first ones: a mask; steps of +-1 over the end of u16, 2 bits; counters that step evenly,
   nothing; four rows that go on and twelve that go to and fro by 100, 8 bits (against the step before: 9). */
TEST(the_narrower_residuals_are_written) {
    made m;
    Choice p;
    telem_file_writer_desc d = plain();
    uint32_t keys, i, rows = 16;
    size_t bytes[2];
    for (; rows <= 160; rows += 144) {
        memset(&p, 0, sizeof p);
        d.block_rows = 16;
        begin(&m, &Choice_schema, d);
        for (i = 0; i < rows; i++) {
            p.wraps = (uint16_t)(i % 2 ? UINT16_MAX : 0);
            p.n += 3;
            p.m = (uint8_t)(p.m + 5);
            p.bends += i % 16 < 4 || i % 2 ? 100 : -100;
            put(&m, 1000 * (int64_t)i, &p);
        }
        (void)finish(&m, &keys, &bytes[rows > 16]);
    }
    CHECK_EQ_INT(bytes[1] - bytes[0], 9u * (1u + 5u + 1u + 1u + 17u));
}

TEST(what_does_not_fit_is_cut) {
    static const uint32_t sizes[] = {1, 4700, 9000, 20000};
    uint64_t rng = kit_seed(6);
    uint32_t k, i, j, keys;
    for (k = 0; k < 4; k++) {
        telem_file_writer_desc d = plain();
        made m;
        static Lots rec;
        size_t bytes;
        d.block_bytes = sizes[k];
        d.block_rows = 32;
        d.key_rows = 4;
        d.max_row = 8192;
        begin(&m, &Lots_schema, d);
        for (i = 0; i < 100; i++) {
            for (j = 0; j < 1000; j++) {
                uint32_t bits = (uint32_t)(check_rand(&rng) >> 32) >> (i < 60 ? 0 : 31);
                memcpy(&rec.f[j], &bits, 4);
            }
            put(&m, i, &rec);
        }
        CHECK(finish(&m, &keys, &bytes) >= 100u * 4000u / 65536u);
    }
}

/* Any bytes behind good checks, with any column count: an answer, never a fault. */
TEST(any_payload_is_answered) {
    uint64_t rng = kit_seed(7);
    int i, n = check_quick() ? 2000 : 60000;
    uint32_t rows_read = 0, refused = 0;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        telem_file_writer_desc d = plain();
        uint8_t out[4096], payload[300], fields[40];
        made m;
        Power p;
        kit_frame frame;
        kit_block b[8];
        kit_reader r;
        telem_file_item item;
        telem_result e;
        size_t at, count, size = kit_below(&rng, 300), nf = 0, j;
        uint32_t rows = 1u + kit_below(&rng, kit_one_in(&rng, 9) ? 100 : 33);
        memset(&p, 0, sizeof p);
        kit_at("payload %d", i);
        begin(&m, &Power_schema, d);
        CHECK_OK(kit_close(&m.w));
        frame = kit_frame_of(m.f.bytes);
        count = kit_blocks(m.f.bytes, m.f.size, b, 8);
        REQUIRE(count >= 2);
        at = b[1].offset + b[1].size; /* header, schema */
        memcpy(out, m.f.bytes, at);
        if (kit_one_in(&rng, 2)) { /* one coded column of bytes enough, then nothing; sometimes a byte too many */
            uint32_t width = kit_below(&rng, 65);
            payload[0] = (uint8_t)(1u << kit_below(&rng, 8));
            payload[1] = (uint8_t)(width | (kit_one_in(&rng, 2) ? 0x80u : 0u));
            size = 2u + (rows * width + 7u) / 8u;
            for (j = 2; j < size && j < sizeof payload; j++) payload[j] = (uint8_t)(kit_one_in(&rng, 2) ? check_rand(&rng) >> 56 : 0);
            if (size + 3u < sizeof payload) payload[size] = payload[size + 1u] = payload[size + 2u] = 0;
            size += kit_one_in(&rng, 9) ? 3u : 2u;
            if (size > sizeof payload) size = 2;
        } else
        for (j = 0; j < size; j++) payload[j] = (uint8_t)(kit_one_in(&rng, 3) ? check_rand(&rng) >> 56 : kit_below(&rng, 12));
        nf += telem_varint_put(fields + nf, 1);
        nf += telem_varint_put(fields + nf, rows);
        fields[nf++] = (uint8_t)(kit_one_in(&rng, 2) ? 4 : 0);
        telem_put16(fields + nf, (uint16_t)(telem_schema_fingerprint(&Power_schema) & 0xFFFFu));
        nf += 2;
        fields[nf++] = 0;
        fields[nf++] = 0;
        at += kit_put_block(&frame, out + at, TELEM_BLOCK_MINI | 0x40, 1, fields, nf, payload, size);
        CHECK_OK(kit_read_memory(&r, &m.f, out, at, READER_MEMORY));
        while ((e = telem_file_next(&r.r, &item)) == TELEM_OK) {
            if (item.kind == TELEM_ITEM_ROW) rows_read++;
            if (item.kind == TELEM_ITEM_MISSING) {
                refused++;
                CHECK_EQ_INT(item.count, rows);
            }
        }
        CHECK_EQ_INT(e, TELEM_END);
        kit_reader_end(&r);
        kit_free_file(&m.f);
    }
    CHECK(rows_read > 0 && refused > 0);
}

TEST(block_rows_are_limited) {
    telem_file_writer_desc d = plain();
    telem_file_writer w;
    telem_io io;
    kit_file f;
    static uint64_t memory[4096];
    memset(&f, 0, sizeof f);
    io = kit_io(&f);
    d.io = &io;
    d.memory = memory;
    d.memory_size = sizeof memory;
    d.session = 1;
    d.no_index = 1;
    d.coding = TELEM_FILE_MINI;
    d.block_rows = 33;
    CHECK_EQ_INT(telem_file_writer_open(&w, &d), TELEM_ERR_ARG);
    d.block_rows = 32;
    CHECK_OK(telem_file_writer_open(&w, &d));
    CHECK_OK(telem_file_writer_close(&w));
    kit_free_file(&f);
}

int main(void) {
    RUN(decimals_cost_what_they_say);
    RUN(a_value_without_decimals_begins_a_group);
    RUN(decimals_at_their_edges_come_back);
    RUN(idle_columns_cost_nothing);
    RUN(rows_without_a_change_are_joined);
    RUN(a_key_block_that_fails_in_a_run_costs_its_own_row);
    RUN(steps_of_every_width_come_back);
    RUN(the_narrower_residuals_are_written);
    RUN(what_does_not_fit_is_cut);
    RUN(any_payload_is_answered);
    RUN(block_rows_are_limited);
    return CHECK_MAIN_END();
}
