/* test_shm.c - telem_shm.h within one process: every call, every answer. What needs other processes is
   in scenario_shm.c, what needs threads in test_shm_threads.c. */
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem_shm.h"
#include "check.h"

static telem_shm shm, other;
static telem_shm_writer w, w2;
static telem_shm_reader r, r2;
static uint8_t bytes[100000], copy[100000];

static const char *name_of(const char *what) { /* unique to this process */
    static char name[64];
    snprintf(name, sizeof name, "test-%lu-%s", (unsigned long)telem_i_shm_pid(), what);
    return name;
}

static void *memory_of(size_t n) { /* 64-aligned */
    static uint64_t pool[1 << 18];
    static size_t used;
    uintptr_t at;
    if (n == 0) {
        used = 0;
        return NULL;
    }
    at = ((uintptr_t)pool + used + 63u) & ~(uintptr_t)63u;
    used = (size_t)(at - (uintptr_t)pool) + n;
    return used <= sizeof pool ? (uint8_t *)pool + (at - (uintptr_t)pool) : NULL;
}

/* A segment in plain memory, with a writer and a reader: every target can do that. */
static telem_result open_desc(telem_shm_desc *d, const telem_shm_reader_desc *rd) {
    uint64_t data = 0, control = 0;
    telem_result res = telem_shm_bytes(d, &data, &control);
    if (res != TELEM_OK) return res;
    (void)memory_of(0);
    d->backing = TELEM_SHM_MEMORY;
    d->memory = memory_of((size_t)data), d->memory_size = (size_t)data;
    d->control_memory = memory_of((size_t)control), d->control_size = (size_t)control;
    res = telem_shm_create(&shm, d);
    if (res == TELEM_OK) res = telem_shm_writer_init(&w, &shm, NULL);
    if (res == TELEM_OK) res = telem_shm_reader_init(&r, &shm, rd);
    return res;
}
static void shut(void) {
    telem_shm_reader_deinit(&r);
    CHECK_OK(telem_shm_writer_deinit(&w));
    telem_shm_detach(&shm);
}
static telem_result put(uint64_t i) { return telem_shm_publish(&w, 1, (int64_t)i, &i, sizeof i); }
static int holds(const telem_shm_frame *f, uint64_t i) {
    uint64_t v = 0;
    if (f->len == sizeof v) memcpy(&v, f->data, sizeof v);
    return f->len == sizeof v && v == i && f->time == (int64_t)i;
}
static void fill(uint8_t *p, size_t n, uint64_t seed) {
    size_t i;
    for (i = 0; i < n; i++) p[i] = (uint8_t)((seed * 2654435761u + i * (seed | 1u)) >> 3);
}

/* -- descs -- */

static uint32_t any_of(uint64_t *seed, const uint32_t *from, uint32_t n) {
    return from[check_rand(seed) % n];
}
TEST(fault_of_a_desc_is_told_exactly_when_create_would_refuse_it) {
    static const uint32_t sizes[] = {0,   0,   0,   1,    2,    3,     48,    63,       64,        65,
                                     240, 241, 256, 1000, 4096, 65535, 65536, 1u << 20, UINT32_MAX};
    static const uint32_t counts[] = {0, 0, 1, 2, 3, 8, 9, 10, 40, 64, 65, 1u << 20, UINT32_MAX};
    uint64_t seed = check_seed(), data, control;
    int i, refused = 0;
    for (i = 0; i < 20000; i++) {
        telem_shm_desc d = TELEM_ZERO;
        uint32_t c;
        const char *fault;
        d.name = "x";
        if (check_rand(&seed) % 2) d.frames = any_of(&seed, sizes, 19);
        if (check_rand(&seed) % 4 == 0) d.inline_bytes = any_of(&seed, sizes, 19);
        if (check_rand(&seed) % 4 == 0) d.directory = any_of(&seed, sizes, 19);
        if (check_rand(&seed) % 4 == 0) d.control_ring = any_of(&seed, sizes, 19);
        if (check_rand(&seed) % 2) d.writers = any_of(&seed, counts, 13);
        if (check_rand(&seed) % 2) d.readers = any_of(&seed, counts, 13);
        if (check_rand(&seed) % 2) d.pins = any_of(&seed, counts, 13);
        if (check_rand(&seed) % 2) d.payload = any_of(&seed, sizes, 19);
        for (c = 0; c < 4 && check_rand(&seed) % 3; c++) {
            d.classes[c].bytes = (uint64_t)any_of(&seed, sizes, 19) << (check_rand(&seed) % 8 ? 0 : 16);
            d.classes[c].count = any_of(&seed, counts, 13);
        }
        fault = telem_shm_desc_fault(&d);
        refused += fault != NULL;
        if (!check_that((telem_shm_bytes(&d, &data, &control) == TELEM_OK) == (fault == NULL), __FILE__,
                        __LINE__, "bytes and fault agree"))
            printf("  says %s\n", fault ? fault : "nothing");
    }
    CHECK(refused > 1000 && refused < 19000);
}
TEST(fault_of_a_desc_names_the_field) {
    telem_shm_desc d = TELEM_ZERO;
    static uint64_t memory[2000];
    CHECK(strncmp(telem_shm_desc_fault(NULL), "no desc", 7) == 0);
    CHECK(strncmp(telem_shm_desc_fault(&d), "name:", 5) == 0);
    d.name = "a/b";
    CHECK(strncmp(telem_shm_desc_fault(&d), "name:", 5) == 0);
    d.name = "ab";
    CHECK(telem_shm_desc_fault(&d) == NULL);
    d.readers = 65;
    CHECK(strncmp(telem_shm_desc_fault(&d), "readers:", 8) == 0);
    d.readers = 3, d.pins = 2, d.classes[0].bytes = 1000, d.classes[0].count = 7;
    CHECK(strstr(telem_shm_desc_fault(&d), "writers + pins * readers") != NULL);
    d.classes[0].count = 8;
    CHECK(telem_shm_desc_fault(&d) == NULL);
    d.classes[1].bytes = 1020, d.classes[1].count = 8; /* both are 1024 */
    CHECK(strstr(telem_shm_desc_fault(&d), "ascend") != NULL);
    d.classes[1].bytes = 0;
    d.backing = 3;
    CHECK(strncmp(telem_shm_desc_fault(&d), "backing:", 8) == 0);
    d.backing = TELEM_SHM_MEMORY;
    CHECK(strncmp(telem_shm_desc_fault(&d), "memory,", 7) == 0);
    d.memory = (uint8_t *)memory + (64u - ((uintptr_t)memory & 63u)), d.control_memory = d.memory;
    CHECK(strncmp(telem_shm_desc_fault(&d), "memory_size,", 12) == 0);
}

/* -- frames -- */

TEST(frames_arrive_in_order_with_their_stamps) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_frame f;
    uint64_t i;
    REQUIRE_OK(open_desc(&d, NULL));
    CHECK_EQ_INT(telem_shm_next(&r, &f), TELEM_EMPTY);
    for (i = 0; i < 1000; i++) {
        REQUIRE_OK(put(i));
        if (i % 7 != 6) continue;
        while (telem_shm_next(&r, &f) == TELEM_OK) {
            CHECK(holds(&f, f.number));
            CHECK_EQ_INT(f.stream, 1);
            CHECK_EQ_INT(f.slot, TELEM_I_SHM_INLINE);
        }
    }
    CHECK_EQ_INT(r.delivered, 994);
    CHECK_EQ_INT(r.lost, 0);
    shut();
}

TEST(every_size_arrives_whole_in_every_kind_of_slot) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_frame f;
    size_t n;
    int pins;
    for (pins = 0; pins < 2; pins++) {
        memset(&d, 0, sizeof d);
        d.frames = 8;
        d.pins = (uint32_t)pins;
        d.readers = 2;
        d.hash = 1;
        d.classes[0].bytes = 100, d.classes[1].bytes = 1000, d.classes[2].bytes = 9000;
        REQUIRE_OK(open_desc(&d, NULL));
        for (n = 0; n <= 9000; n += n < 140 ? 1 : n < 1100 ? 37 : 411) {
            fill(bytes, n, n);
            REQUIRE_OK(telem_shm_publish(&w, (uint32_t)n, 5, bytes, n));
            REQUIRE_OK(telem_shm_next(&r, &f));
            CHECK_EQ_INT(f.len, n);
            CHECK_EQ_INT(f.stream, n);
            CHECK_MEM(f.data, bytes, n);
            memset(copy, 0xEE, n + 1);
            CHECK_OK(telem_shm_copy(&r, &f, copy, n));
            CHECK_MEM(copy, bytes, n);
            CHECK_EQ_INT(copy[n], 0xEE);
            CHECK_OK(telem_shm_verify(&r, &f));
            CHECK_EQ_INT(f.flags, n > 48 ? TELEM_SHM_HASHED : 0);
            CHECK(telem_shm_valid(&r, &f));
            CHECK(n <= 48 || ((uintptr_t)f.data & 63u) == 0);
            CHECK_EQ_INT(telem_shm_copy(&r, &f, copy, n ? n - 1 : 0), n ? TELEM_ERR_MEMORY : TELEM_OK);
        }
        CHECK_EQ_INT(r.lost, 0);
        shut();
    }
}

TEST(frame_begun_in_place_is_committed_or_given_up) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_frame f;
    telem_shm_slot a, b;
    telem_shm_writer_info info;
    d.payload = 5000;
    d.frames = 4;
    REQUIRE_OK(open_desc(&d, NULL));
    REQUIRE_OK(telem_shm_begin(&w, 5000, &a));
    REQUIRE_OK(telem_shm_begin(&w, 10, &b)); /* small: the handle's buffer */
    CHECK(((uintptr_t)a.data & 63u) == 0 && ((uintptr_t)b.data & 63u) == 0);
    CHECK(a.capacity >= 5000 && b.capacity >= 10);
    fill((uint8_t *)a.data, 5000, 7);
    memcpy(b.data, "small", 5);
    a.content = 99;
    CHECK_EQ_INT(telem_shm_begin(&w, 10, &b), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_shm_begin(&w, 1000000, &b), TELEM_ERR_LIMIT);
    REQUIRE_OK(telem_shm_commit(&w, &b, 2, 1, 5)); /* order is that of commits */
    REQUIRE_OK(telem_shm_commit(&w, &a, 3, 2, 4999));
    CHECK_EQ_INT(telem_shm_commit(&w, &a, 3, 2, 4999), TELEM_ERR_STATE);
    REQUIRE_OK(telem_shm_next(&r, &f));
    CHECK(f.len == 5 && memcmp(f.data, "small", 5) == 0 && f.stream == 2);
    REQUIRE_OK(telem_shm_next(&r, &f));
    fill(bytes, 5000, 7);
    CHECK(f.len == 4999 && memcmp(f.data, bytes, 4999) == 0 && f.content == 99);
    REQUIRE_OK(telem_shm_begin(&w, 5000, &a));
    CHECK_EQ_INT(telem_shm_writer_deinit(&w), TELEM_ERR_STATE);
    CHECK_OK(telem_shm_abort(&w, &a));
    CHECK_EQ_INT(telem_shm_abort(&w, &a), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_shm_next(&r, &f), TELEM_EMPTY);
    CHECK_OK(telem_shm_writer_info_get(&shm, 0, &info));
    CHECK_EQ_INT(info.aborted, 1);
    CHECK_EQ_INT(info.frames, 2);
    shut();
}

TEST(slot_is_committed_or_given_up_once) {
    static const uint64_t sizes[2] = {8, 1000}; /* the handle's own buffer; a slot */
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_reader_counts counts = TELEM_ZERO;
    uint32_t i;
    d.payload = 1000;
    REQUIRE_OK(open_desc(&d, NULL));
    for (i = 0; i < 2; i++) {
        telem_shm_slot a, b;
        REQUIRE_OK(telem_shm_begin(&w, sizes[i], &a));
        REQUIRE_OK(telem_shm_commit(&w, &a, 1, 1, 8));
        CHECK_EQ_INT(telem_shm_commit(&w, &a, 1, 1, 8), TELEM_ERR_STATE);
        REQUIRE_OK(telem_shm_begin(&w, sizes[i], &b)); /* maybe in the same place */
        CHECK_EQ_INT(telem_shm_commit(&w, &a, 1, 1, 8), TELEM_ERR_STATE);
        CHECK_EQ_INT(telem_shm_abort(&w, &a), TELEM_ERR_STATE);
        REQUIRE_OK(telem_shm_commit(&w, &b, 1, 1, 8));
        REQUIRE_OK(telem_shm_begin(&w, sizes[i], &a));
        REQUIRE_OK(telem_shm_abort(&w, &a));
        CHECK_EQ_INT(telem_shm_abort(&w, &a), TELEM_ERR_STATE);
    }
    CHECK_OK(telem_shm_reader_stats(&r, &counts));
    CHECK_EQ_INT(counts.queued, 4);
    shut();
}

TEST(slow_reader_knows_exactly_how_many_it_lost) {
    uint64_t rng = check_seed(), i, at = 0, seen = 0;
    int round;
    for (round = 0; round < 40; round++) {
        telem_shm_desc d = TELEM_ZERO;
        telem_shm_frame f;
        telem_shm_reader_counts c = TELEM_ZERO;
        d.frames = 2u << check_rand(&rng) % 6;
        d.payload = round % 2 ? 200 : 0;
        d.classes[0].count = round % 2 ? 2 + (uint32_t)(check_rand(&rng) % 20) : 0;
        d.classes[0].bytes = round % 2 ? 200 : 0;
        REQUIRE_OK(open_desc(&d, NULL));
        at = seen = 0;
        for (i = 0; i < 2000; i++) {
            uint64_t v[12] = {0};
            v[0] = i;
            REQUIRE_OK(
                telem_shm_publish(&w, 1, (int64_t)i, v, round % 2 && check_rand(&rng) % 2 ? sizeof v : 8));
            at++;
            if (check_rand(&rng) % 16 == 0) {
                uint32_t n = (uint32_t)(check_rand(&rng) % 8);
                while (n-- && telem_shm_next(&r, &f) == TELEM_OK) {
                    memcpy(v, f.data, 8);
                    CHECK_EQ_INT(v[0], f.number);
                    CHECK(seen == 0 || f.number >= seen);
                    seen = f.number + 1;
                }
            }
        }
        while (telem_shm_next(&r, &f) == TELEM_OK) seen = f.number + 1;
        CHECK_OK(telem_shm_reader_stats(&r, &c));
        CHECK_EQ_INT(c.queued, 0);
        CHECK_EQ_INT(seen, at);
        CHECK_EQ_INT(r.delivered + r.lost, at);
        CHECK_EQ_INT(c.voided, 0);
        shut();
    }
}

TEST(loss_is_told_with_the_stamps_around_it) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_frame f;
    telem_shm_loss loss;
    uint64_t i;
    d.frames = 16;
    REQUIRE_OK(open_desc(&d, NULL));
    REQUIRE_OK(put(0));
    REQUIRE_OK(telem_shm_next(&r, &f));
    CHECK_EQ_INT(telem_shm_reader_loss(&r, &loss), TELEM_EMPTY);
    for (i = 1; i <= 100; i++) REQUIRE_OK(put(i));
    REQUIRE_OK(telem_shm_next(&r, &f));
    CHECK_OK(telem_shm_reader_loss(&r, &loss));
    CHECK_EQ_INT(loss.first, 0);
    CHECK_EQ_INT(loss.last, f.time);
    CHECK_EQ_INT(loss.count, f.number - 1);
    CHECK_EQ_INT(telem_shm_reader_loss(&r, &loss), TELEM_EMPTY);
    shut();
}

TEST(late_joiner_starts_at_the_oldest_the_latest_or_now) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_reader_desc rd = TELEM_ZERO;
    telem_shm_frame f;
    uint64_t i;
    d.frames = 8;
    REQUIRE_OK(open_desc(&d, NULL));
    for (i = 0; i < 20; i++) REQUIRE_OK(put(i));
    rd.start = TELEM_SHM_OLDEST;
    REQUIRE_OK(telem_shm_reader_init(&r2, &shm, &rd));
    REQUIRE_OK(telem_shm_next(&r2, &f));
    CHECK_EQ_INT(f.number, 12);
    CHECK_EQ_INT(r2.lost, 0);
    telem_shm_reader_deinit(&r2);
    rd.start = TELEM_SHM_LATEST;
    REQUIRE_OK(telem_shm_reader_init(&r2, &shm, &rd));
    REQUIRE_OK(telem_shm_next(&r2, &f));
    CHECK_EQ_INT(f.number, 19);
    telem_shm_reader_deinit(&r2);
    rd.start = TELEM_SHM_FRESH;
    REQUIRE_OK(telem_shm_reader_init(&r2, &shm, &rd));
    CHECK_EQ_INT(telem_shm_next(&r2, &f), TELEM_EMPTY);
    REQUIRE_OK(put(20));
    REQUIRE_OK(telem_shm_next(&r2, &f));
    CHECK_EQ_INT(f.number, 20);
    telem_shm_reader_deinit(&r2);
    shut();
}

TEST(history_is_found_by_number_and_time) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_frame f;
    uint64_t i;
    d.frames = 16;
    REQUIRE_OK(open_desc(&d, NULL));
    CHECK_EQ_INT(telem_shm_latest(&r, &f), TELEM_EMPTY);
    CHECK_EQ_INT(telem_shm_find(&r, 5, TELEM_SHM_BEFORE, &f), TELEM_EMPTY);
    for (i = 0; i < 40; i++) REQUIRE_OK(telem_shm_publish(&w, 1, (int64_t)i * 10, &i, 8));
    CHECK_EQ_INT(telem_shm_get(&r, 23, &f), TELEM_LAPPED);
    CHECK_OK(telem_shm_get(&r, 24, &f));
    CHECK_EQ_INT(f.time, 240);
    CHECK_EQ_INT(telem_shm_get(&r, 40, &f), TELEM_EMPTY);
    CHECK_OK(telem_shm_latest(&r, &f));
    CHECK_EQ_INT(f.number, 39);
    CHECK_OK(telem_shm_find(&r, 305, TELEM_SHM_BEFORE, &f));
    CHECK_EQ_INT(f.time, 300);
    CHECK_OK(telem_shm_find(&r, 305, TELEM_SHM_AFTER, &f));
    CHECK_EQ_INT(f.time, 310);
    CHECK_OK(telem_shm_find(&r, 304, TELEM_SHM_NEAREST, &f));
    CHECK_EQ_INT(f.time, 300);
    CHECK_OK(telem_shm_find(&r, INT64_MAX, TELEM_SHM_NEAREST, &f));
    CHECK_EQ_INT(f.time, 390);
    CHECK_OK(telem_shm_find(&r, INT64_MIN, TELEM_SHM_NEAREST, &f));
    CHECK_EQ_INT(f.time, 240);
    CHECK_EQ_INT(telem_shm_find(&r, 10, TELEM_SHM_BEFORE, &f), TELEM_EMPTY);
    CHECK_EQ_INT(telem_shm_find(&r, 391, TELEM_SHM_AFTER, &f), TELEM_EMPTY);
    shut();
}

TEST(batches_go_out_and_come_in) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_item items[20];
    telem_shm_frame frames[32];
    telem_result why;
    uint32_t i;
    d.frames = 32;
    d.payload = 200;
    REQUIRE_OK(open_desc(&d, NULL));
    for (i = 0; i < 20; i++) {
        items[i].stream = i, items[i].time = (int64_t)i, items[i].data = bytes + i, items[i].len = i * 11u;
    }
    fill(bytes, 1000, 3);
    CHECK_EQ_INT(telem_shm_publish_batch(&w, items, 20, &why), 20);
    CHECK_OK(why);
    CHECK_EQ_INT(telem_shm_read_batch(&r, frames, 32, copy, sizeof copy), 20);
    for (i = 0; i < 20; i++)
        CHECK(frames[i].len == i * 11u && memcmp(frames[i].data, bytes + i, i * 11u) == 0 &&
              frames[i].stream == i);
    items[3].len = 5000000;
    items[3].data = NULL;
    CHECK_EQ_INT(telem_shm_publish_batch(&w, items, 20, &why), 3);
    CHECK_EQ_INT(why, TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_shm_read_batch(&r, frames, 2, copy, sizeof copy), 2);
    CHECK_EQ_INT(telem_shm_read(&r, &frames[0], copy, 3),
                 TELEM_ERR_MEMORY); /* 22 bytes: nothing is consumed */
    CHECK_EQ_INT(frames[0].len, 22);
    CHECK_OK(telem_shm_read(&r, &frames[0], copy, 22));
    CHECK_EQ_INT(frames[0].number, 22);
    CHECK_EQ_INT(r.delivered, 23);
    shut();
}

TEST(payload_above_the_largest_slot_comes_in_chunks) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_frame f;
    telem_shm_gather g = TELEM_ZERO;
    size_t n;
    telem_result res = TELEM_AGAIN;
    d.frames = 16;
    d.payload = 4096;
    d.hash = 1;
    REQUIRE_OK(open_desc(&d, NULL));
    g.buf = copy, g.cap = sizeof copy;
    for (n = 4097; n < 60000; n += 4095) {
        fill(bytes, n, n);
        REQUIRE_OK(telem_shm_publish(&w, 4, 1, bytes, n));
        memset(copy, 0, n);
        while (telem_shm_next(&r, &f) == TELEM_OK) {
            CHECK(f.flags & TELEM_SHM_CHUNK);
            CHECK_EQ_INT(f.total, n);
            CHECK_OK(telem_shm_verify(&r, &f));
            res = telem_shm_gather_add(&g, &r, &f);
            if (f.offset + f.len < n) CHECK_EQ_INT(res, TELEM_AGAIN);
        }
        CHECK_OK(res);
        CHECK_EQ_INT(g.total, n);
        CHECK_MEM(copy, bytes, n);
    }
    n = (size_t)r.next; /* two payloads of 3 chunks: the second displaces the first, which is told */
    REQUIRE_OK(telem_shm_publish(&w, 4, 1, bytes, 10000));
    REQUIRE_OK(telem_shm_publish(&w, 5, 1, bytes + 1, 10000));
    REQUIRE_OK(telem_shm_get(&r, n, &f));
    CHECK_EQ_INT(telem_shm_gather_add(&g, &r, &f), TELEM_AGAIN);
    for (n += 3; n < (size_t)r.next + 6; n++) {
        REQUIRE_OK(telem_shm_get(&r, n, &f));
        res = telem_shm_gather_add(&g, &r, &f);
        CHECK_EQ_INT(res, f.offset == 0 ? TELEM_LAPPED : f.offset < 8192 ? TELEM_AGAIN : TELEM_OK);
    }
    CHECK_MEM(copy, bytes + 1, 10000);
    while (telem_shm_next(&r, &f) == TELEM_OK) {
    }
    REQUIRE_OK(telem_shm_publish(&w, 4, 1, bytes, 90000)); /* more chunks than the ring holds */
    while (telem_shm_next(&r, &f) == TELEM_OK) res = telem_shm_gather_add(&g, &r, &f);
    CHECK_EQ_INT(res, TELEM_LAPPED);
    shut();
    memset(&d, 0, sizeof d);
    REQUIRE_OK(open_desc(&d, NULL));
    CHECK_EQ_INT(telem_shm_publish(&w, 4, 1, bytes, 49), TELEM_ERR_LIMIT);
    shut();
}

TEST(parts_of_several_streams_share_a_frame) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_frame f;
    telem_shm_part part;
    uint64_t buf[64], used = 0, at = 0;
    float scan[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    d.payload = 512;
    REQUIRE_OK(open_desc(&d, NULL));
    REQUIRE_OK(telem_shm_part_put(buf, sizeof buf, &used, 7, "abc", 3, 1));
    REQUIRE_OK(telem_shm_part_put(buf, sizeof buf, &used, 8, scan, 4, 9));
    CHECK_EQ_INT(used, 24 + 16 + 40);
    CHECK_EQ_INT(telem_shm_part_put(buf, used + 8, &used, 8, scan, 4, 9), TELEM_ERR_LIMIT);
    REQUIRE_OK(telem_shm_publish(&w, TELEM_SHM_PARTS, 1, buf, used));
    REQUIRE_OK(telem_shm_read(&r, &f, copy, sizeof copy));
    CHECK_EQ_INT(f.stream, TELEM_SHM_PARTS);
    REQUIRE_OK(telem_shm_part_next(f.data, f.len, &at, &part));
    CHECK(part.stream == 7 && part.count == 1 && part.size == 3 && memcmp(part.data, "abc", 3) == 0);
    REQUIRE_OK(telem_shm_part_next(f.data, f.len, &at, &part));
    CHECK(part.stream == 8 && part.count == 9 && part.size == 36 && memcmp(part.data, scan, 36) == 0);
    CHECK_EQ_INT(telem_shm_part_next(f.data, f.len, &at, &part), TELEM_END);
    at = 0;
    CHECK_EQ_INT(telem_shm_part_next(f.data, 8, &at, &part), TELEM_ERR_CORRUPT);
    copy[8] = 0xFF, copy[9] = 0xFF;
    CHECK_EQ_INT(telem_shm_part_next(f.data, f.len, &at, &part), TELEM_ERR_CORRUPT);
    shut();
}

/* -- holding -- */

TEST(unpinned_frame_says_when_it_is_no_longer_valid) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_frame f;
    d.frames = 8;
    d.payload = 100;
    d.classes[0].bytes = 100, d.classes[0].count = 2;
    REQUIRE_OK(open_desc(&d, NULL));
    REQUIRE_OK(telem_shm_publish(&w, 1, 1, bytes, 100));
    REQUIRE_OK(telem_shm_next(&r, &f));
    CHECK(telem_shm_valid(&r, &f));
    REQUIRE_OK(telem_shm_publish(&w, 1, 1, bytes, 100));
    CHECK(telem_shm_valid(&r, &f));
    REQUIRE_OK(telem_shm_publish(&w, 1, 1, bytes, 100)); /* the third needs the first one's slot */
    CHECK(!telem_shm_valid(&r, &f));
    CHECK_EQ_INT(telem_shm_copy(&r, &f, copy, sizeof copy), TELEM_LAPPED);
    CHECK_EQ_INT(telem_shm_pin(&r, &f), TELEM_ERR_STATE); /* no pins in this segment */
    CHECK_OK(telem_shm_next(&r, &f));
    shut();
}

TEST(pinned_slot_is_not_reused) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_frame f, g, h;
    telem_shm_class_info info;
    uint32_t i;
    d.frames = 8;
    d.pins = 2;
    d.readers = 1;
    d.classes[0].bytes = 100, d.classes[0].count = 4;
    REQUIRE_OK(open_desc(&d, NULL));
    CHECK_EQ_INT(telem_shm_reader_init(&r2, &shm, NULL), TELEM_FULL);
    fill(bytes, 100, 1);
    REQUIRE_OK(telem_shm_publish(&w, 1, 1, bytes, 100));
    REQUIRE_OK(telem_shm_next(&r, &f));
    CHECK_OK(telem_shm_pin(&r, &f));
    REQUIRE_OK(telem_shm_publish(&w, 1, 1, bytes, 100));
    REQUIRE_OK(telem_shm_next(&r, &g));
    CHECK_OK(telem_shm_pin(&r, &g));
    for (i = 0; i < 50; i++) {
        fill(copy, 100, i);
        REQUIRE_OK(telem_shm_publish(&w, 1, 1, copy, 100));
    }
    CHECK(telem_shm_valid(&r, &f));
    CHECK_MEM(f.data, bytes, 100);
    CHECK_OK(telem_shm_latest(&r, &h));
    CHECK_EQ_INT(telem_shm_pin(&r, &h), TELEM_FULL);
    CHECK_OK(telem_shm_class_info_get(&shm, 0, &info));
    CHECK_EQ_INT(info.pinned, 2);
    CHECK_OK(telem_shm_unpin(&r, &f));
    CHECK_OK(telem_shm_pin(&r, &h));
    CHECK_OK(telem_shm_unpin(&r, &h));
    CHECK_OK(telem_shm_unpin(&r, &g));
    for (i = 0; i < 8; i++) REQUIRE_OK(telem_shm_publish(&w, 1, 1, bytes, 100));
    CHECK_EQ_INT(telem_shm_pin(&r, &h), TELEM_LAPPED);
    shut();
}

TEST(pin_quotas_leave_a_slot_for_each_writer) {
    telem_shm_desc d = TELEM_ZERO;
    uint64_t a, b;
    d.pins = 2, d.readers = 3, d.writers = 2;
    d.classes[0].bytes = 100, d.classes[0].count = 8;
    CHECK_EQ_INT(telem_shm_bytes(&d, &a, &b), TELEM_ERR_LIMIT);
    d.classes[0].count = 9;
    CHECK_OK(telem_shm_bytes(&d, &a, &b));
    d.classes[0].count = 2, d.pins = 0;
    CHECK_EQ_INT(telem_shm_bytes(&d, &a, &b), TELEM_ERR_LIMIT);
}

TEST(no_free_slot_is_told_and_counted) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_slot s[3];
    telem_shm_writer_info info;
    d.classes[0].bytes = 100, d.classes[0].count = 2;
    REQUIRE_OK(open_desc(&d, NULL));
    REQUIRE_OK(telem_shm_begin(&w, 100, &s[0]));
    REQUIRE_OK(telem_shm_begin(&w, 100, &s[1]));
    CHECK_EQ_INT(telem_shm_begin(&w, 100, &s[2]), TELEM_AGAIN);
    CHECK_EQ_INT(telem_shm_publish(&w, 1, 1, bytes, 100), TELEM_AGAIN);
    CHECK_OK(telem_shm_writer_info_get(&shm, 0, &info));
    CHECK_EQ_INT(info.no_slot, 2);
    CHECK_OK(telem_shm_abort(&w, &s[0]));
    CHECK_OK(telem_shm_publish(&w, 1, 1, bytes, 100));
    CHECK_OK(telem_shm_abort(&w, &s[1]));
    shut();
}

TEST(reliable_reader_loses_nothing_and_is_expelled_when_it_sleeps) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_reader_desc rd = TELEM_ZERO;
    telem_shm_writer_desc wd = TELEM_ZERO;
    telem_shm_frame f;
    telem_shm_writer_info info;
    uint64_t i = 0, got = 0, rng = check_seed();
    d.frames = 8;
    rd.reliable = 1;
    rd.deadline = 20000000;
    REQUIRE_OK(open_desc(&d, &rd));
    CHECK_OK(telem_shm_writer_deinit(&w));
    wd.refuse = 1;
    REQUIRE_OK(telem_shm_writer_init(&w, &shm, &wd));
    while (i < 5000) {
        uint64_t n = check_rand(&rng) % 12;
        while (n--) {
            telem_result res = put(i);
            if (res == TELEM_FULL) break;
            CHECK_OK(res);
            i++;
        }
        for (n = check_rand(&rng) % 12; n-- && telem_shm_next(&r, &f) == TELEM_OK; got++)
            CHECK(holds(&f, got));
    }
    while (telem_shm_next(&r, &f) == TELEM_OK) CHECK(holds(&f, got++));
    CHECK_EQ_INT(got, i);
    CHECK_EQ_INT(r.lost, 0);
    CHECK_OK(telem_shm_writer_info_get(&shm, 0, &info));
    CHECK(info.refused > 0);
#if TELEM_I_SHM_SYSTEM
    CHECK_OK(telem_shm_writer_deinit(&w));
    REQUIRE_OK(telem_shm_writer_init(&w, &shm, NULL));
    for (i = 0; i < 20; i++) CHECK_OK(put(i)); /* the ninth waits for the deadline, then expels */
    CHECK_EQ_INT(telem_shm_next(&r, &f), TELEM_EXPELLED);
    CHECK_OK(telem_shm_next(&r, &f));
    CHECK(r.lost > 0);
    CHECK_OK(telem_shm_writer_info_get(&shm, 0, &info));
    CHECK_EQ_INT(info.expelled, 1);
    CHECK(info.waited >= 15000000);
#endif
    shut();
}

TEST(reliable_reader_holds_slots_as_well) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_reader_desc rd = TELEM_ZERO;
    telem_shm_writer_desc wd = TELEM_ZERO;
    telem_shm_frame f;
    uint64_t i = 0, got = 0, rng = check_seed();
    d.frames = 16;
    d.classes[0].bytes = 100, d.classes[0].count = 3;
    rd.reliable = 1;
    REQUIRE_OK(open_desc(&d, &rd));
    CHECK_OK(telem_shm_writer_deinit(&w));
    wd.refuse = 1;
    REQUIRE_OK(telem_shm_writer_init(&w, &shm, &wd));
    while (i < 3000) {
        uint64_t n = check_rand(&rng) % 5;
        while (n--) {
            telem_result res;
            fill(bytes, 100, i);
            res = telem_shm_publish(&w, 1, (int64_t)i, bytes, 60 + i % 40);
            if (res == TELEM_FULL) break;
            CHECK_OK(res);
            i++;
        }
        for (n = check_rand(&rng) % 5; n-- && telem_shm_next(&r, &f) == TELEM_OK; got++) {
            fill(copy, 100, got);
            CHECK_EQ_INT(f.number, got);
            CHECK_EQ_INT(f.len, 60 + got % 40);
            CHECK_MEM(f.data, copy, (size_t)f.len);
            CHECK_OK(telem_shm_copy(&r, &f, copy, sizeof copy));
        }
    }
    CHECK_EQ_INT(r.lost, 0);
    shut();
}

TEST(observer_cannot_pin_but_reads) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_reader_desc rd = TELEM_ZERO;
    telem_shm_frame f;
    d.pins = 1;
    d.readers = 2;
    d.payload = 100;
    REQUIRE_OK(open_desc(&d, NULL));
    a.backing = TELEM_SHM_MEMORY, a.observe = 1;
    a.memory = d.memory, a.memory_size = d.memory_size, a.control_memory = d.control_memory,
    a.control_size = d.control_size;
    REQUIRE_OK(telem_shm_attach(&other, &a));
    REQUIRE_OK(telem_shm_reader_init(&r2, &other, NULL));
    fill(bytes, 100, 9);
    REQUIRE_OK(telem_shm_publish(&w, 1, 1, bytes, 100));
    REQUIRE_OK(telem_shm_next(&r2, &f));
    CHECK_EQ_INT(telem_shm_pin(&r2, &f), TELEM_ERR_STATE);
    CHECK_OK(telem_shm_copy(&r2, &f, copy, sizeof copy));
    CHECK_MEM(copy, bytes, 100);
    CHECK_EQ_INT(telem_shm_writer_init(&w2, &other, NULL), TELEM_ERR_ACCESS);
    telem_shm_reader_deinit(&r2);
    rd.reliable = 1;
    CHECK_EQ_INT(telem_shm_reader_init(&r2, &other, &rd), TELEM_ERR_STATE);
    telem_shm_detach(&other);
    shut();
}

/* -- filters -- */

static int even_only(void *user, uint32_t stream, int64_t time, const void *rec, uint32_t len) {
    (void)stream, (void)rec, (void)len;
    ++*(int *)user;
    return time % 2 == 0;
}

TEST(filter_sees_stable_bytes_and_what_it_refuses_is_counted) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_reader_desc rd = TELEM_ZERO;
    telem_shm_frame f;
    uint32_t want[2] = {3, 5};
    int calls = 0, how;
    uint64_t i, got, room[16];
    for (how = 0; how < 3; how++) { /* inline, pinned, copied */
        memset(&d, 0, sizeof d);
        memset(&rd, 0, sizeof rd);
        d.payload = 100, d.pins = how == 1, d.readers = 2;
        rd.filter = even_only, rd.filter_user = &calls;
        rd.streams = want, rd.stream_count = 2;
        if (how == 2) rd.copy = room, rd.copy_size = sizeof room;
        REQUIRE_OK(open_desc(&d, &rd));
        calls = 0;
        got = 0;
        for (i = 0; i < 60; i++)
            REQUIRE_OK(telem_shm_publish(&w, (uint32_t)(i % 6), (int64_t)(i / 6), bytes, how ? 80 : 8));
        while (telem_shm_next(&r, &f) == TELEM_OK) {
            CHECK(f.stream == 3 || f.stream == 5);
            CHECK(f.time % 2 == 0);
            got++;
        }
        CHECK_EQ_INT(got, 10);
        CHECK_EQ_INT(calls, 20);
        CHECK_EQ_INT(r.filtered, 50);
        CHECK_EQ_INT(r.lost, 0);
        shut();
    }
    memset(&rd, 0, sizeof rd); /* no pin, no room */
    rd.filter = even_only, rd.filter_user = &calls;
    d.pins = 0;
    REQUIRE_OK(open_desc(&d, &rd));
    REQUIRE_OK(telem_shm_publish(&w, 1, 2, bytes, 80));
    CHECK_EQ_INT(telem_shm_next(&r, &f), TELEM_ERR_MEMORY);
    CHECK_EQ_INT(r.lost, 1);
    shut();
}

TEST(damaged_payload_is_found_by_its_hash) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_reader_desc rd = TELEM_ZERO;
    telem_shm_frame f;
    uint64_t bytes_there;
    d.payload = 100, d.hash = 1, d.pins = 1;
    rd.verify = 1;
    REQUIRE_OK(open_desc(&d, &rd));
    REQUIRE_OK(telem_shm_publish(&w, 1, 1, bytes, 80));
    REQUIRE_OK(telem_shm_next(&r, &f));
    REQUIRE_OK(telem_shm_publish(&w, 1, 1, bytes, 80));
    telem_i_shm_slot_bytes(&shm, 1, &bytes_there)[5] ^= 1;
    CHECK_EQ_INT(telem_shm_next(&r, &f), TELEM_ERR_CORRUPT);
    CHECK_EQ_INT(r.corrupt, 1);
    REQUIRE_OK(telem_shm_publish(&w, 1, 1, bytes, 80));
    CHECK_OK(telem_shm_next(&r, &f));
    shut();
}

/* -- directory, metadata, control ring, pairs -- */

#define IMU_TABLE(F) F(FIELD, f32, ax, "m/s^2", "forward") F(FIELD, u16, n, "", "count")
TELEM_DEFINE(imu, IMU_TABLE, "inertial unit");

TEST(streams_are_declared_found_and_replaced) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_stream_desc s = TELEM_ZERO;
    telem_shm_entry e;
    uint64_t buf[64], mem[512];
    uint32_t at = 0, generation, used;
    const telem_schema *schema = NULL;
    telem_shm_segment info;
    REQUIRE_OK(open_desc(&d, NULL));
    s.id = 7, s.name = "imu", s.schema = &imu_schema, s.content = 5, s.extra = "640x480", s.extra_bytes = 7;
    generation = telem_shm_generation(&shm);
    REQUIRE_OK(telem_shm_stream_add(&w, &s));
    CHECK(telem_shm_generation(&shm) != generation);
    generation = telem_shm_generation(&shm);
    REQUIRE_OK(telem_shm_stream_add(&w, &s)); /* the same again */
    CHECK_EQ_INT(telem_shm_generation(&shm), generation);
    REQUIRE_OK(telem_shm_meta_set(&w, "place", "roof", 4));
    REQUIRE_OK(telem_shm_stream_find(&shm, 7, &e, buf, sizeof buf));
    CHECK_STR(e.name, "imu");
    CHECK(e.extra_bytes == 7 && memcmp(e.extra, "640x480", 7) == 0 && e.content == 5);
    CHECK(e.fingerprint == telem_schema_fingerprint(&imu_schema));
    REQUIRE_OK(telem_schema_decode(e.value, e.value_bytes, mem, sizeof mem, &schema, NULL));
    CHECK_STR(schema->name, "imu");
    CHECK_EQ_INT(telem_shm_stream_find(&shm, 8, &e, buf, sizeof buf), TELEM_ERR_NOT_FOUND);
    CHECK_EQ_INT(telem_shm_stream_find(&shm, 7, &e, buf, 8), TELEM_ERR_MEMORY);
    REQUIRE_OK(telem_shm_meta_set(&w, "place", "cellar", 6)); /* replaces */
    CHECK_OK(telem_shm_entry_next(&shm, &at, &e, buf, sizeof buf));
    CHECK_EQ_INT(e.kind, TELEM_SHM_STREAM);
    CHECK_OK(telem_shm_entry_next(&shm, &at, &e, buf, sizeof buf));
    CHECK(e.kind == TELEM_SHM_META && e.value_bytes == 6 && memcmp(e.value, "cellar", 6) == 0);
    CHECK_STR(e.name, "place");
    CHECK_EQ_INT(telem_shm_entry_next(&shm, &at, &e, buf, sizeof buf), TELEM_END);
    CHECK_OK(telem_shm_info(&shm, &info));
    used = info.directory_used;
    CHECK_EQ_INT(telem_shm_meta_set(&w, "large", bytes, 3000), TELEM_ERR_SPACE);
    CHECK_OK(telem_shm_info(&shm, &info));
    CHECK_EQ_INT(info.directory_used, used);
    CHECK_EQ_INT(telem_shm_meta_set(&w, "", "x", 1), TELEM_ERR_ARG);
    shut();
}

TEST(control_messages_come_back_in_order_and_full_is_an_answer) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_message m;
    uint64_t rng = check_seed(), sent = 0, got = 0, i;
    uint8_t buf[600];
    int full = 0;
    d.control_ring = 1024;
    d.readers = 2;
    REQUIRE_OK(open_desc(&d, NULL));
    CHECK_EQ_INT(telem_shm_control_read(&w, &m, buf, sizeof buf), TELEM_EMPTY);
    CHECK_EQ_INT(telem_shm_control_write(&r, 1, 1, bytes, 600), TELEM_ERR_LIMIT);
    for (i = 0; i < 20000; i++) {
        if (check_rand(&rng) % 2) {
            uint32_t n = (uint32_t)((sent * 7919u) % 490u);
            telem_result res;
            fill(bytes, n, sent);
            res = telem_shm_control_write(&r, (uint32_t)sent, (int64_t)sent, bytes, n);
            if (res == TELEM_OK) sent++;
            else CHECK_EQ_INT(res, TELEM_FULL), full++;
        } else {
            telem_result res = telem_shm_control_read(&w, &m, buf, sizeof buf);
            if (res == TELEM_EMPTY) continue;
            REQUIRE_OK(res);
            CHECK_EQ_INT(m.type, got);
            CHECK_EQ_INT(m.time, got);
            CHECK_EQ_INT(m.len, (got * 7919u) % 490u);
            fill(bytes, m.len, got);
            CHECK_MEM(buf, bytes, m.len);
            got++;
        }
    }
    CHECK(full > 0 && got > 1000);
    while (telem_shm_control_read(&w, &m, buf, sizeof buf) == TELEM_OK) {
    }
    CHECK_OK(telem_shm_control_write(&r, 9, 1, bytes, 100));
    CHECK_EQ_INT(telem_shm_control_read(&w, &m, buf, 50), TELEM_ERR_MEMORY);
    CHECK_EQ_INT(m.len, 100);
    CHECK_OK(telem_shm_control_read(&w, &m, buf, 100));
    shut();
}

TEST(broken_control_ring_keeps_nobody_waiting) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_message m;
    uint8_t buf[256];
    int i, honest = 0;
    d.control_ring = 256;
    REQUIRE_OK(open_desc(&d, NULL)); /* r is reader 0 */
    REQUIRE_OK(telem_shm_reader_init(&r2, &shm, NULL));
    REQUIRE_OK(telem_shm_control_write(&r2, 7, 0, "hi", 2));
    for (i = 0; i < 10; i++) { /* broken anew before each look */
        TELEM_STORE64_RELAXED(&telem_i_shm_ring_at(&shm, 0)->written, 3 + 8 * (uint64_t)i);
        honest += telem_shm_control_read(&w, &m, buf, sizeof buf) == TELEM_OK && m.reader == 1 && m.type == 7;
    }
    CHECK_EQ_INT(honest, 1);
    telem_shm_reader_deinit(&r2);
    shut();
}

TEST(frames_of_two_topics_are_paired) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_pairs p = TELEM_ZERO;
    telem_shm_frame a, b;
    telem_shm second;
    telem_shm_writer v;
    static telem_shm_reader q;
    telem_shm_desc e = TELEM_ZERO;
    static uint64_t mem[4096] __attribute__((aligned(64))), ctl[512] __attribute__((aligned(64)));
    uint64_t i;
    REQUIRE_OK(open_desc(&d, NULL));
    e.backing = TELEM_SHM_MEMORY;
    e.memory = mem, e.memory_size = sizeof mem, e.control_memory = ctl, e.control_size = sizeof ctl;
    REQUIRE_OK(telem_shm_create(&second, &e));
    REQUIRE_OK(telem_shm_writer_init(&v, &second, NULL));
    REQUIRE_OK(telem_shm_reader_init(&q, &second, NULL));
    p.a = &r, p.b = &q, p.within = 4;
    for (i = 0; i < 10; i++) REQUIRE_OK(telem_shm_publish(&w, 1, (int64_t)(i * 10), &i, 8));
    CHECK_EQ_INT(telem_shm_pairs_next(&p, &a, &b), TELEM_EMPTY); /* b has nothing yet */
    REQUIRE_OK(telem_shm_publish(&v, 2, 3, &i, 8));
    CHECK_OK(telem_shm_pairs_next(&p, &a, &b));
    CHECK(a.time == 0 && b.time == 3);
    CHECK_EQ_INT(telem_shm_pairs_next(&p, &a, &b), TELEM_EMPTY); /* 10: b is not so far */
    REQUIRE_OK(telem_shm_publish(&v, 2, 15, &i, 8));
    REQUIRE_OK(telem_shm_publish(&v, 2, 28, &i, 8));
    REQUIRE_OK(telem_shm_publish(&v, 2, 31, &i, 8));
    CHECK_OK(telem_shm_pairs_next(&p, &a, &b)); /* 10 and 20 have none within 4 */
    CHECK(a.time == 30 && b.time == 31);
    CHECK_EQ_INT(p.unmatched, 2);
    p.as_of = 1, p.within = 0;
    CHECK_OK(telem_shm_pairs_next(&p, &a, &b));
    CHECK(a.time == 40 && b.time == 31);
    p.within = 5;
    CHECK_EQ_INT(telem_shm_pairs_next(&p, &a, &b), TELEM_EMPTY);
    CHECK_EQ_INT(p.unmatched, 7);
    p.as_of = 0, p.late = 100; /* b is late: what came last is looked at, what is delivered stays */
    i = 1001;
    REQUIRE_OK(telem_shm_publish(&w, 1, 1000, &i, 8));
    i = 1002;
    REQUIRE_OK(telem_shm_publish(&w, 1, 2000, &i, 8));
    REQUIRE_OK(telem_shm_publish(&v, 2, 998, &i, 8));
    CHECK_OK(telem_shm_pairs_next(&p, &a, &b));
    CHECK(a.time == 1000 && b.time == 998);
    i = 1001;
    CHECK_MEM(a.data, &i, 8);
    telem_shm_reader_deinit(&q);
    CHECK_OK(telem_shm_writer_deinit(&v));
    telem_shm_detach(&second);
    shut();
}

/* -- several writers, by hand: parked and dead ones -- */

TEST(writer_parked_inside_a_publish_holds_up_nobody_for_long) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_reader_desc rd = TELEM_ZERO;
    telem_shm_frame f;
    uint64_t i, got = 0, n = 0, stolen;
    telem_atomic64 *place;
    d.frames = 8, d.writers = 2;
    rd.stall = 1;
    REQUIRE_OK(open_desc(&d, &rd));
    REQUIRE_OK(telem_shm_writer_init(&w2, &shm, NULL));
    REQUIRE_OK(put(0));
    REQUIRE_OK(telem_shm_next(&r, &f));
    REQUIRE_OK(telem_i_shm_reserve(&w2, &stolen)); /* w2 stops here, number 1 */
    CHECK_EQ_INT(stolen, 1);
    place = telem_i_shm_desc_at(&shm, stolen);
    for (i = 2; i < 60; i++) {
        REQUIRE_OK(put(i));
        for (n = 0; n < 200 && telem_shm_next(&r, &f) != TELEM_OK; n++) telem_i_shm_nap(1000);
        REQUIRE(n < 200);
        CHECK(f.number != 1 && f.number % 8 != 1);
        got++;
    }
    CHECK_EQ_INT(got, 58);
    CHECK_EQ_INT(telem_i_shm_ahead(TELEM_LOAD64_RELAXED(place), stolen), 0); /* nobody touched its place */
    CHECK_EQ_INT(r.delivered + r.lost + r.voided, r.next);
    CHECK_OK(telem_shm_writer_deinit(&w2));
    shut();
}

TEST(several_writers_number_their_frames_together) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_frame f;
    uint64_t i;
    d.frames = 16, d.writers = 3, d.payload = 64;
    REQUIRE_OK(open_desc(&d, NULL));
    REQUIRE_OK(telem_shm_writer_init(&w2, &shm, NULL));
    for (i = 0; i < 100; i++) {
        uint64_t v[8] = {0};
        v[0] = i;
        REQUIRE_OK(telem_shm_publish(i % 3 ? &w : &w2, 1, (int64_t)i, v, i % 2 ? 64 : 8));
        REQUIRE_OK(telem_shm_next(&r, &f));
        memcpy(v, f.data, 8);
        CHECK_EQ_INT(v[0], i);
        CHECK_EQ_INT(f.number, i);
    }
    CHECK_OK(telem_shm_writer_deinit(&w2));
    shut();
}

/* -- objects -- */

TEST(wrong_descs_are_refused) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    uint64_t x, y;
    CHECK_EQ_INT(telem_shm_create(NULL, &d), TELEM_ERR_ARG);
    d.backing = 9;
    CHECK_EQ_INT(telem_shm_create(&shm, &d), TELEM_ERR_ARG);
    d.backing = TELEM_SHM_MEMORY;
    CHECK_EQ_INT(telem_shm_create(&shm, &d), TELEM_ERR_ARG);
    d.backing = TELEM_SHM_FILES;
    if (TELEM_I_SHM_SYSTEM) {
        CHECK_EQ_INT(telem_shm_create(&shm, &d), TELEM_ERR_ARG); /* no name */
        d.name = "a/b";
        CHECK_EQ_INT(telem_shm_create(&shm, &d), TELEM_ERR_ARG);
        d.name = ".hidden";
        CHECK_EQ_INT(telem_shm_create(&shm, &d), TELEM_ERR_ARG);
        a.name = name_of("absent");
        CHECK_EQ_INT(telem_shm_attach(&other, &a), TELEM_ERR_NOT_FOUND);
        CHECK_EQ_INT(telem_shm_unlink(NULL, name_of("absent")), TELEM_ERR_NOT_FOUND);
    }
    d.inline_bytes = 241;
    CHECK_EQ_INT(telem_shm_bytes(&d, &x, &y), TELEM_ERR_LIMIT);
    d.inline_bytes = 0, d.frames = 1u << 21;
    CHECK_EQ_INT(telem_shm_bytes(&d, &x, &y), TELEM_ERR_LIMIT);
    d.frames = 0, d.readers = 65;
    CHECK_EQ_INT(telem_shm_bytes(&d, &x, &y), TELEM_ERR_LIMIT);
    d.readers = 0, d.writers = 65;
    CHECK_EQ_INT(telem_shm_bytes(&d, &x, &y), TELEM_ERR_LIMIT);
    d.writers = 0, d.control_ring = 300;
    CHECK_EQ_INT(telem_shm_bytes(&d, &x, &y), TELEM_ERR_LIMIT);
    d.control_ring = 0, d.classes[0].bytes = 200, d.classes[1].bytes = 100;
    CHECK_EQ_INT(telem_shm_bytes(&d, &x, &y), TELEM_ERR_ARG);
}

TEST(fixed_overhead_is_below_4_kB_and_64_bytes_per_slot) {
    telem_shm_desc d = TELEM_ZERO;
    uint64_t data = 0, control = 0;
    REQUIRE_OK(telem_shm_bytes(&d, &data, &control));
    CHECK(data + control - 64u * 64u <= 4096u); /* of a descriptor's line 48 bytes are payload */
    d.payload = 4096;
    REQUIRE_OK(telem_shm_bytes(&d, &data, &control));
    CHECK(data + control - 65u * 4096u <= 4096u + 64u * (64u + 65u) + 4096u); /* and the page that aligns */
}

TEST(every_byte_of_a_segment_may_be_damaged_at_attach) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    uint32_t i, refused = 0;
    d.frames = 4, d.payload = 64, d.control_ring = 256;
    REQUIRE_OK(open_desc(&d, NULL));
    a.backing = TELEM_SHM_MEMORY;
    a.memory = d.memory, a.memory_size = d.memory_size, a.control_memory = d.control_memory,
    a.control_size = d.control_size;
    for (i = 0; i < 256; i++) {
        uint8_t *p = (uint8_t *)d.memory + i, was = *p;
        *p = (uint8_t)(was ^ (1u << i % 8));
        refused += telem_shm_attach(&other, &a) != TELEM_OK;
        *p = was;
    }
    CHECK(refused > 150); /* the others say something else of clocks, hashes */
    for (i = 0; i < 32; i++) {
        uint8_t *p = (uint8_t *)d.control_memory + i, was = *p;
        *p = (uint8_t)(was ^ 1u);
        CHECK(telem_shm_attach(&other, &a) != TELEM_OK);
        *p = was;
    }
    a.memory_size -= 64;
    CHECK_EQ_INT(telem_shm_attach(&other, &a), TELEM_ERR_TRUNCATED);
    shut();
}

#if TELEM_I_SHM_SYSTEM
static int seen_alive;
static int note_name(void *user, const char *name, int alive) {
    if (strcmp(name, (const char *)user) == 0) seen_alive = alive ? 1 : 2;
    return 0;
}

TEST(segment_is_created_attached_listed_and_closed) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_frame f;
    telem_shm third;
    char name[64];
    snprintf(name, sizeof name, "%s", name_of("life"));
    d.name = name, d.payload = 10000, d.prefault = 1;
    a.name = name;
    REQUIRE_OK(telem_shm_create(&shm, &d));
    CHECK_EQ_INT(telem_shm_create(&third, &d), TELEM_ERR_EXISTS);
    REQUIRE_OK(telem_shm_writer_init(&w, &shm, NULL));
    REQUIRE_OK(telem_shm_attach(&other, &a));
    REQUIRE_OK(telem_shm_reader_init(&r, &other, NULL));
    fill(bytes, 10000, 5);
    REQUIRE_OK(telem_shm_publish(&w, 1, TELEM_SHM_NOW, bytes, 10000));
    CHECK_OK(telem_shm_wait(&r, 1000000000));
    REQUIRE_OK(telem_shm_next(&r, &f));
    CHECK_MEM(f.data, bytes, 10000);
    CHECK(((uintptr_t)f.data & 4095u) == 0);
    CHECK_EQ_INT(telem_shm_wait(&r, 3000000), TELEM_EMPTY);
    CHECK_EQ_INT(telem_shm_health(&r), TELEM_SHM_ALIVE);
    CHECK_EQ_INT(telem_shm_list(NULL, name, note_name, name), 1);
    CHECK_EQ_INT(seen_alive, 1);
    CHECK_EQ_INT(telem_shm_collect(NULL, name), 0);
    CHECK_OK(telem_shm_writer_deinit(&w));
    telem_shm_detach(&shm);
    CHECK_EQ_INT(telem_shm_next(&r, &f), TELEM_END);
    CHECK_EQ_INT(telem_shm_wait(&r, 1000000000), TELEM_END);
    CHECK_EQ_INT(telem_shm_health(&r), TELEM_SHM_CLOSED);
    telem_shm_reader_deinit(&r);
    telem_shm_detach(&other);
    CHECK_EQ_INT(telem_shm_list(NULL, name, NULL, NULL), 0);
}

TEST(kept_segment_is_taken_over_with_its_frames_or_replaced) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    static telem_shm_reader opened;
    telem_shm_frame f;
    telem_shm_segment info;
    char name[64];
    uint64_t i, session;
    uint32_t generation;
    snprintf(name, sizeof name, "%s", name_of("keep"));
    d.name = name, d.keep = 1;
    a.name = name;
    REQUIRE_OK(telem_shm_create(&shm, &d));
    REQUIRE_OK(telem_shm_writer_init(&w, &shm, NULL));
    for (i = 0; i < 10; i++) REQUIRE_OK(put(i));
    REQUIRE_OK(telem_shm_reader_open(&opened, &a, NULL));
    REQUIRE_OK(telem_shm_next(&opened, &f));
    CHECK_OK(telem_shm_info(&shm, &info));
    session = info.session;
    CHECK_OK(telem_shm_writer_deinit(&w));
    telem_shm_detach(&shm);
    CHECK_EQ_INT(telem_shm_health(&opened), TELEM_SHM_CLOSED);
    REQUIRE_OK(telem_shm_create(&shm, &d)); /* the same desc: taken over */
    CHECK_OK(telem_shm_info(&shm, &info));
    CHECK(info.session != session);
    CHECK_EQ_INT(info.takeovers, 1);
    CHECK_EQ_INT(info.head, 10);
    REQUIRE_OK(telem_shm_writer_init(&w, &shm, NULL));
    REQUIRE_OK(put(10));
    for (i = 1; i < 11; i++) {
        REQUIRE_OK(telem_shm_next(&opened, &f));
        CHECK(holds(&f, i));
    }
    CHECK_OK(telem_shm_writer_deinit(&w));
    telem_shm_detach(&shm);
    d.frames = 128, d.keep = 0; /* another shape: replaced */
    REQUIRE_OK(telem_shm_create(&shm, &d));
    REQUIRE_OK(telem_shm_writer_init(&w, &shm, NULL));
    REQUIRE_OK(put(0));
    generation = telem_shm_generation(telem_shm_reader_segment(&opened));
    CHECK_OK(telem_shm_wait(&opened, 1000000000)); /* attaches anew by itself */
    CHECK(telem_shm_generation(telem_shm_reader_segment(&opened)) != generation);
    CHECK_OK(telem_shm_info(telem_shm_reader_segment(&opened), &info));
    CHECK_EQ_INT(info.frames, 128);
    REQUIRE_OK(telem_shm_next(&opened, &f));
    CHECK(holds(&f, 0));
    CHECK_EQ_INT(opened.delivered, 12);
    CHECK_EQ_INT(opened.lost, 0);
    CHECK_OK(telem_shm_writer_deinit(&w));
    telem_shm_detach(&shm);
    CHECK_EQ_INT(telem_shm_next(&opened, &f), TELEM_END);
    telem_shm_reader_close(&opened);
}

/* The owner goes and comes back with another desc: a new segment of the same name. */
static telem_result replace_segment(telem_shm_desc *d, uint32_t frames) {
    telem_result res = telem_shm_writer_deinit(&w);
    telem_shm_detach(&shm);
    d->frames = frames;
    if (res == TELEM_OK) res = telem_shm_create(&shm, d);
    return res == TELEM_OK ? telem_shm_writer_init(&w, &shm, NULL) : res;
}
static telem_result open_named(telem_shm_desc *d, const char *name) {
    d->name = name, d->keep = 1;
    if (telem_shm_create(&shm, d) != TELEM_OK) return TELEM_ERR_IO;
    return telem_shm_writer_init(&w, &shm, NULL);
}
static void shut_named(const char *name) {
    CHECK_OK(telem_shm_writer_deinit(&w));
    telem_shm_detach(&shm);
    CHECK_OK(telem_shm_unlink(NULL, name));
}

TEST(pinned_frame_stays_mapped_when_its_segment_is_replaced) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_frame pinned, loose, small, f;
    char name[64];
    snprintf(name, sizeof name, "%s", name_of("pinned"));
    a.name = name;
    d.payload = 5000, d.pins = 1, d.readers = 2;
    REQUIRE_OK(open_named(&d, name));
    REQUIRE_OK(telem_shm_reader_open(&r, &a, NULL));
    fill(bytes, 4096, 7);
    REQUIRE_OK(telem_shm_publish(&w, 1, 1, bytes, 4096));
    REQUIRE_OK(telem_shm_publish(&w, 1, 2, bytes, 4096));
    REQUIRE_OK(put(3));
    REQUIRE_OK(telem_shm_next(&r, &pinned));
    REQUIRE_OK(telem_shm_next(&r, &loose));
    REQUIRE_OK(telem_shm_next(&r, &small));
    REQUIRE_OK(telem_shm_pin(&r, &pinned));
    REQUIRE_OK(replace_segment(&d, 128));
    REQUIRE_OK(telem_shm_publish(&w, 1, 4, bytes + 1, 4096));
    REQUIRE_OK(telem_shm_publish(&w, 1, 5, bytes + 1, 4096));
    REQUIRE(telem_shm_next(&r, &f) == TELEM_END);
    REQUIRE(telem_shm_wait(&r, 1000000) == TELEM_END || telem_shm_wait(&r, 1000000) == TELEM_EMPTY);
    CHECK(telem_shm_valid(&r, &pinned) && telem_shm_valid(&r, &loose));
    CHECK_MEM(pinned.data, bytes, 4096);
    CHECK_OK(telem_shm_unpin(&r, &pinned));
    REQUIRE_OK(telem_shm_next(&r, &f)); /* of the new segment */
    CHECK(f.time == 4 && telem_shm_valid(&r, &f));
    CHECK(!telem_shm_valid(&r, &pinned) && !telem_shm_valid(&r, &loose));
    CHECK_EQ_INT(telem_shm_pin(&r, &loose), TELEM_LAPPED);
    CHECK_EQ_INT(telem_shm_copy(&r, &loose, copy, sizeof copy), TELEM_LAPPED);
    telem_shm_reader_close(&r);
    shut_named(name);
}

TEST(reliable_reader_without_an_entry_in_the_new_segment_is_told) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_reader_desc rd = TELEM_ZERO;
    telem_shm_frame f;
    char name[64];
    int i, told = 0, got = 0;
    snprintf(name, sizeof name, "%s", name_of("table"));
    a.name = name;
    rd.reliable = 1;
    d.readers = 1;
    REQUIRE_OK(open_named(&d, name));
    REQUIRE_OK(telem_shm_reader_open(&r, &a, &rd));
    REQUIRE_OK(replace_segment(&d, 128));
    REQUIRE_OK(telem_shm_reader_open(&r2, &a, NULL)); /* the table is full */
    for (i = 0; i < 200; i++) REQUIRE_OK(put((uint64_t)i));
    for (i = 0; i < 400; i++) {
        telem_result res = telem_shm_next(&r, &f);
        told += res == TELEM_EXPELLED, got += res == TELEM_OK;
    }
    CHECK_EQ_INT(told, 1);
    CHECK_EQ_INT(got, 128); /* the oldest that was there, on */
    CHECK_EQ_INT(telem_shm_arm(&r), TELEM_ERR_STATE); /* an observer now */
    telem_shm_reader_close(&r);
    telem_shm_reader_close(&r2);
    shut_named(name);
}

TEST(wait_any_attaches_to_a_new_segment) {
    telem_shm_desc d = TELEM_ZERO, e = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_reader *both[2];
    telem_shm_frame f;
    intptr_t fd = 0, same = 1;
    uint32_t which = 9;
    char name[64], second[64];
    snprintf(name, sizeof name, "%s", name_of("move"));
    snprintf(second, sizeof second, "%s", name_of("move-b"));
    e.name = second;
    REQUIRE_OK(open_named(&d, name));
    REQUIRE_OK(telem_shm_create(&other, &e));
    a.name = name;
    REQUIRE_OK(telem_shm_reader_open(&r, &a, NULL));
    a.name = second;
    REQUIRE_OK(telem_shm_reader_open(&r2, &a, NULL));
    REQUIRE_OK(telem_shm_reader_fd(&r, &fd));
    REQUIRE_OK(replace_segment(&d, 128));
    REQUIRE_OK(put(5));
    both[0] = &r, both[1] = &r2;
    CHECK_OK(telem_shm_wait_any(both, 2, 2000000000, &which));
    CHECK_EQ_INT(which, 0);
    REQUIRE_OK(telem_shm_next(&r, &f));
    CHECK(holds(&f, 5));
    CHECK_EQ_INT(telem_shm_arm(&r), TELEM_EMPTY); /* what stands in a poll set goes on */
    REQUIRE_OK(telem_shm_reader_fd(&r, &same));
    CHECK(fd == same);
    REQUIRE_OK(put(6));
    {
        uint64_t t = telem_i_shm_now();
        telem_i_shm_ears_wait(&fd, 1, 5000000000u);
        CHECK(telem_i_shm_now() - t < 2000000000u);
    }
    telem_shm_reader_close(&r);
    telem_shm_reader_close(&r2);
    telem_shm_detach(&other);
    shut_named(name);
}

#if TELEM_I_SHM_LINUX
TEST(old_owner_leaves_the_files_of_a_new_one_alone) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    char name[64];
    snprintf(name, sizeof name, "%s", name_of("heir"));
    d.name = a.name = name;
    REQUIRE_OK(telem_shm_create(&shm, &d));
    REQUIRE_OK(telem_shm_unlink(NULL, name));
    REQUIRE_OK(telem_shm_create(&other, &d));
    telem_shm_detach(&shm);
    CHECK_EQ_INT(telem_shm_list(NULL, name, NULL, NULL), 1);
    CHECK_OK(telem_shm_reader_open(&r, &a, NULL));
    telem_shm_reader_close(&r);
    telem_shm_detach(&other);
    CHECK_EQ_INT(telem_shm_list(NULL, name, NULL, NULL), 0);
}

TEST(take_over_sets_the_rights_that_its_desc_asks_for) {
    telem_shm_desc d = TELEM_ZERO;
    struct stat data, control;
    uint32_t modes[2], i;
    char name[64];
    snprintf(name, sizeof name, "%s", name_of("mode"));
    d.name = name, d.keep = 1;
    modes[0] = 0666, modes[1] = 0600;
    for (i = 0; i < 2; i++) {
        d.mode = modes[i], d.others_write = i == 0;
        REQUIRE_OK(telem_shm_create(&shm, &d));
        REQUIRE(fstat((int)shm.file[0], &data) == 0 && fstat((int)shm.file[1], &control) == 0);
        CHECK_EQ_INT(data.st_mode & 0777, modes[i]);
        CHECK_EQ_INT(control.st_mode & 0777, modes[i]);
        CHECK_EQ_INT(TELEM_LOAD32_RELAXED(&telem_i_shm_live_of(&shm)->takeovers), i);
        telem_shm_detach(&shm);
    }
    CHECK_OK(telem_shm_unlink(NULL, name));
}

/* A pair that its maker could shrink under us. */
TEST(unsealed_descriptors_are_refused) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    char name[64];
    snprintf(name, sizeof name, "%s", name_of("seals"));
    d.name = name;
    REQUIRE_OK(telem_shm_create(&shm, &d));
    a.backing = TELEM_SHM_MEMFD;
    REQUIRE_OK(telem_shm_fds(&shm, a.fds)); /* plain files: as good as memfds without seals */
    CHECK_EQ_INT(telem_shm_attach(&other, &a), TELEM_ERR_ACCESS);
    telem_shm_detach(&shm);
    d.backing = TELEM_SHM_MEMFD;
    REQUIRE_OK(telem_shm_create(&shm, &d));
    REQUIRE_OK(telem_shm_fds(&shm, a.fds));
    CHECK_OK(telem_shm_attach(&other, &a));
    telem_shm_detach(&other);
    telem_shm_detach(&shm);
}
#endif

TEST(silence_is_told_from_death) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_reader_desc rd = TELEM_ZERO;
    telem_shm_segment info;
    rd.stale = 2000000;
    REQUIRE_OK(open_desc(&d, &rd));
    CHECK_OK(telem_shm_info(&shm, &info));
    CHECK(info.beat_age == UINT64_MAX); /* never */
    CHECK_OK(telem_shm_beat(&w));
    CHECK_EQ_INT(telem_shm_health(&r), TELEM_SHM_ALIVE);
    telem_i_shm_nap(5000000);
    CHECK_EQ_INT(telem_shm_health(&r), TELEM_SHM_SILENT);
    CHECK_OK(telem_shm_info(&shm, &info));
    CHECK(info.beat_age >= 5000000 && info.beat_age < 60000000000u);
    REQUIRE_OK(put(0)); /* who publishes is not silent */
    CHECK_EQ_INT(telem_shm_health(&r), TELEM_SHM_ALIVE);
    telem_i_shm_nap(5000000);
    CHECK_EQ_INT(telem_shm_health(&r), TELEM_SHM_SILENT);
    CHECK_OK(telem_shm_beat(&w));
    CHECK_EQ_INT(telem_shm_health(&r), TELEM_SHM_ALIVE);
    shut();
}

static int names_seen;
static int count_name(void *user, const char *name, int alive) {
    (void)user, (void)name, (void)alive;
    return ++names_seen == 2; /* stop */
}
TEST(segments_are_found_by_pattern) {
    static telem_shm three[3];
    char name[3][96], pattern[96];
    uint32_t i;
    CHECK(telem_i_shm_fits("imu.left", "imu.*") && telem_i_shm_fits("imu", "i?u") &&
          telem_i_shm_fits("aXbXc", "a*b*c"));
    CHECK(telem_i_shm_fits("anything", NULL) && telem_i_shm_fits("abcabd", "*abd") &&
          telem_i_shm_fits("x", "*"));
    CHECK(!telem_i_shm_fits("imu", "im") && !telem_i_shm_fits("imu", "?imu") &&
          !telem_i_shm_fits("abcabe", "*abd"));
    for (i = 0; i < 3; i++) {
        telem_shm_desc d = TELEM_ZERO;
        snprintf(name[i], sizeof name[i], "%s%u", name_of("topic."), (unsigned)i);
        d.name = name[i], d.keep = i == 2;
        REQUIRE_OK(telem_shm_create(&three[i], &d));
    }
    snprintf(pattern, sizeof pattern, "%s*", name_of("topic"));
    CHECK_EQ_INT(telem_shm_list(NULL, pattern, NULL, NULL), 3);
    names_seen = 0;
    CHECK_EQ_INT(telem_shm_list(NULL, pattern, count_name, NULL), 2);
    snprintf(pattern, sizeof pattern, "%s?", name_of("topic."));
    CHECK_EQ_INT(telem_shm_list(NULL, pattern, NULL, NULL), 3);
    for (i = 0; i < 3; i++) telem_shm_detach(&three[i]);
    CHECK_EQ_INT(telem_shm_list(NULL, pattern, NULL, NULL), 1); /* the kept one, whose owner is gone */
    CHECK_EQ_INT(telem_shm_collect(NULL, pattern), 1);
    CHECK_EQ_INT(telem_shm_list(NULL, pattern, NULL, NULL), 0);
}

TEST(poll_descriptor_and_several_segments_wake) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_reader *both[2];
    static telem_shm_reader q;
    telem_shm second;
    telem_shm_writer v;
    telem_shm_frame f;
    intptr_t fd = 0;
    uint32_t which = 9;
    char name[2][64];
    snprintf(name[0], 64, "%s", name_of("any-a"));
    snprintf(name[1], 64, "%s", name_of("any-b"));
    d.name = name[0];
    REQUIRE_OK(telem_shm_create(&shm, &d));
    d.name = name[1];
    REQUIRE_OK(telem_shm_create(&second, &d));
    REQUIRE_OK(telem_shm_writer_init(&w, &shm, NULL));
    REQUIRE_OK(telem_shm_writer_init(&v, &second, NULL));
    REQUIRE_OK(telem_shm_reader_init(&r, &shm, NULL));
    a.name = name[1];
    REQUIRE_OK(telem_shm_attach(&other, &a));
    REQUIRE_OK(telem_shm_reader_init(&q, &other, NULL));
    REQUIRE_OK(telem_shm_reader_fd(&r, &fd));
    CHECK_EQ_INT(telem_shm_arm(&r), TELEM_EMPTY);
    telem_i_shm_ears_wait(&fd, 1, 1000000); /* returns by its timeout */
    REQUIRE_OK(put(0));
    {
        uint64_t t = telem_i_shm_now();
        telem_i_shm_ears_wait(&fd, 1, 5000000000u);
        CHECK(telem_i_shm_now() - t < 2000000000u);
    }
    CHECK_OK(telem_shm_arm(&r)); /* a frame is there: do not sleep */
    REQUIRE_OK(telem_shm_next(&r, &f));
    CHECK_EQ_INT(telem_shm_arm(&r), TELEM_EMPTY);
    both[0] = &r, both[1] = &q;
    CHECK_EQ_INT(telem_shm_wait_any(both, 2, 5000000, &which), TELEM_EMPTY);
    REQUIRE_OK(telem_shm_publish(&v, 1, 1, bytes, 8));
    CHECK_OK(telem_shm_wait_any(both, 2, 5000000000u, &which));
    CHECK_EQ_INT(which, 1);
    telem_shm_reader_deinit(&q);
    telem_shm_detach(&other);
    CHECK_OK(telem_shm_writer_deinit(&v));
    telem_shm_detach(&second);
    shut();
}
#endif

int main(void) {
    RUN(fault_of_a_desc_is_told_exactly_when_create_would_refuse_it);
    RUN(fault_of_a_desc_names_the_field);
    RUN(frames_arrive_in_order_with_their_stamps);
    RUN(every_size_arrives_whole_in_every_kind_of_slot);
    RUN(frame_begun_in_place_is_committed_or_given_up);
    RUN(slot_is_committed_or_given_up_once);
    RUN(slow_reader_knows_exactly_how_many_it_lost);
    RUN(loss_is_told_with_the_stamps_around_it);
    RUN(late_joiner_starts_at_the_oldest_the_latest_or_now);
    RUN(history_is_found_by_number_and_time);
    RUN(batches_go_out_and_come_in);
    RUN(payload_above_the_largest_slot_comes_in_chunks);
    RUN(parts_of_several_streams_share_a_frame);
    RUN(unpinned_frame_says_when_it_is_no_longer_valid);
    RUN(pinned_slot_is_not_reused);
    RUN(pin_quotas_leave_a_slot_for_each_writer);
    RUN(no_free_slot_is_told_and_counted);
    RUN(reliable_reader_loses_nothing_and_is_expelled_when_it_sleeps);
    RUN(reliable_reader_holds_slots_as_well);
    RUN(observer_cannot_pin_but_reads);
    RUN(filter_sees_stable_bytes_and_what_it_refuses_is_counted);
    RUN(damaged_payload_is_found_by_its_hash);
    RUN(streams_are_declared_found_and_replaced);
    RUN(control_messages_come_back_in_order_and_full_is_an_answer);
    RUN(broken_control_ring_keeps_nobody_waiting);
    RUN(frames_of_two_topics_are_paired);
    RUN(writer_parked_inside_a_publish_holds_up_nobody_for_long);
    RUN(several_writers_number_their_frames_together);
    RUN(wrong_descs_are_refused);
    RUN(fixed_overhead_is_below_4_kB_and_64_bytes_per_slot);
    RUN(every_byte_of_a_segment_may_be_damaged_at_attach);
#if TELEM_I_SHM_SYSTEM
    RUN(segment_is_created_attached_listed_and_closed);
    RUN(kept_segment_is_taken_over_with_its_frames_or_replaced);
    RUN(pinned_frame_stays_mapped_when_its_segment_is_replaced);
    RUN(reliable_reader_without_an_entry_in_the_new_segment_is_told);
    RUN(wait_any_attaches_to_a_new_segment);
#if TELEM_I_SHM_LINUX
    RUN(old_owner_leaves_the_files_of_a_new_one_alone);
    RUN(take_over_sets_the_rights_that_its_desc_asks_for);
    RUN(unsealed_descriptors_are_refused);
#endif
    RUN(silence_is_told_from_death);
    RUN(segments_are_found_by_pattern);
    RUN(poll_descriptor_and_several_segments_wake);
#endif
    return CHECK_MAIN_END();
}
