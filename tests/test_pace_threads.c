/* test_pace_threads.c - TELEM_FILE_HELPER with two threads, where a race checker can see them: rows, other blocks,
   flushes, polls, whole columns and io errors on one side, telem_file_work on the other.   UNIT: threads, UNIT: posix
   UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#include "file_kit.h"
#include <pthread.h>
#include <sched.h>

typedef struct helper {
    telem_file_writer *w;
    uint32_t stop;
    uint64_t steps;
} helper;

static void *help(void *arg) {
    helper *h = (helper *)arg;
    while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE)) {
        if (telem_file_work(h->w) == 1) h->steps++;
        else sched_yield();
    }
    return NULL;
}

static void yield(void *user) {
    (void)user;
    sched_yield();
}

static int failing; /* only who holds the coding side writes to the io */
static int64_t fail_write(void *user, const void *p, size_t n) {
    return __atomic_load_n(&failing, __ATOMIC_RELAXED) ? (int64_t)TELEM_ERR_SPACE : kit_grow_write(user, p, n);
}

static uint64_t run(uint64_t *rng, uint32_t rows, int errors) {
    static kit_random_file k;
    kit_writer kw;
    kit_reader r;
    telem_file_writer_desc d = TELEM_ZERO;
    telem_io io;
    uint8_t *row[3];
    int64_t t[3] = {0, 0, 0};
    uint32_t i, j, streams = 1u + kit_below(rng, 3), calm = 1u + kit_below(rng, 20);
    helper h;
    pthread_t thread;
    memset(&k, 0, sizeof k);
    for (i = 0; i < streams; i++) {
        kit_random_schema(&k.schemas[i], rng);
        (void)kit_add(&k.file, i + 1u, k.schemas[i].schema, 0);
        row[i] = (uint8_t *)kit_alloc(k.file.s[i].row_size);
        memset(row[i], 0, k.file.s[i].row_size);
    }
    d.coding = TELEM_FILE_COLUMNS;
    d.pace = TELEM_FILE_HELPER;
    d.level = (uint8_t)kit_below(rng, 2);
    d.block_rows = 20u + kit_below(rng, 300);
    d.wait = kit_one_in(rng, 2) ? yield : NULL;
    io = kit_io(&k.file);
    io.write = fail_write;
    CHECK_OK(kit_open(&kw, &k.file, &d, &io));
    h.w = &kw.w;
    h.stop = 0;
    h.steps = 0;
    CHECK_EQ_INT(pthread_create(&thread, NULL, help, &h), 0);
    CHECK_OK(kit_add_streams(&kw, &k.file)); /* while the helper looks already */
    for (j = 0; j < rows; j++) {
        i = kit_below(rng, streams);
        t[i] += 1000;
        if (!kit_one_in(rng, 3)) kit_step_row(k.file.s[i].schema, row[i], rng, calm);
        if (errors && kit_one_in(rng, 400)) __atomic_store_n(&failing, 1, __ATOMIC_RELAXED);
        if (errors && kit_one_in(rng, 100)) {
            __atomic_store_n(&failing, 0, __ATOMIC_RELAXED);
            (void)telem_file_writer_clear(&kw.w);
        }
        if (telem_file_write_row(&kw.w, i + 1u, t[i], row[i]) != TELEM_OK) CHECK(errors);
        kit_note_row(&k.file.s[i], t[i], row[i]);
        if (kit_one_in(rng, 100)) {
            telem_annotation a = TELEM_ZERO;
            a.stream = TELEM_ALL_STREAMS;
            a.text = "between";
            (void)telem_file_annotate(&kw.w, &a);
        }
        if (kit_one_in(rng, 300)) (void)telem_file_writer_flush(&kw.w);
        if (kit_one_in(rng, 100)) (void)telem_file_writer_poll(&kw.w, 0, t[i]);
        if (kit_one_in(rng, 100)) CHECK(telem_file_writer_get_stats(&kw.w).rows <= j + 1u);
        if (kit_one_in(rng, 100)) (void)telem_file_writer_error(&kw.w);
    }
    __atomic_store_n(&failing, 0, __ATOMIC_RELAXED);
    (void)telem_file_writer_clear(&kw.w);
    __atomic_store_n(&h.stop, 1, __ATOMIC_RELEASE);
    (void)pthread_join(thread, NULL);
    k.desc = kw.wd;
    CHECK_OK(kit_close(&kw));
    CHECK_OK(kit_read_memory(&r, &k.file, k.file.bytes, k.file.size, (size_t)64 << 20));
    CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
    if (errors) CHECK_EQ_INT(kit_delivered(&k.file) + kit_missing(&k.file), kit_written(&k.file));
    else CHECK_EQ_INT(kit_delivered(&k.file), kit_written(&k.file));
    kit_reader_end(&r);
    for (i = 0; i < streams; i++) free(row[i]);
    kit_free_random(&k);
    return h.steps;
}

TEST(rows_of_two_threads_come_back) {
    uint64_t rng = kit_seed(1), steps = 0;
    int i, rounds = check_quick() ? 6 : 40;
    for (i = 0; i < rounds && !check_g.bad; i++) {
        kit_at("round %d, state %llu", i, (unsigned long long)rng);
        steps += run(&rng, 3000, 0);
    }
    CHECK(steps > 0); /* the helper did something */
}

TEST(errors_between_two_threads_are_told) {
    uint64_t rng = kit_seed(2);
    int i, rounds = check_quick() ? 6 : 40;
    for (i = 0; i < rounds && !check_g.bad; i++) {
        kit_at("round %d, state %llu", i, (unsigned long long)rng);
        (void)run(&rng, 3000, 1);
    }
}

/* An io tells a failed sync to one caller only (Linux: once per open file). Whoever else syncs meanwhile hears of it. */
static int tells, syncs;
static telem_result sync_once(void *user) {
    int told, i;
    (void)user;
    __atomic_add_fetch(&syncs, 1, __ATOMIC_RELAXED);
    told = __atomic_exchange_n(&tells, 0, __ATOMIC_ACQ_REL);
    for (i = 0; i < 200; i++) sched_yield(); /* the other one begins meanwhile */
    return told ? TELEM_ERR_IO : TELEM_OK;
}
static void *sync_it(void *arg) {
    return telem_file_sync((telem_file_writer *)arg) == TELEM_ERR_IO ? arg : NULL;
}
TEST(failed_sync_is_told_to_both_of_two) {
    int i, rounds = check_quick() ? 20 : 300;
    for (i = 0; i < rounds && !check_g.bad; i++) {
        kit_file file;
        kit_schema schema;
        kit_writer kw;
        telem_file_writer_desc d = TELEM_ZERO;
        telem_io io;
        uint64_t rng = kit_seed(3);
        uint8_t *row;
        pthread_t a, b;
        void *in_a, *in_b;
        memset(&file, 0, sizeof file);
        kit_random_schema(&schema, &rng);
        (void)kit_add(&file, 1, schema.schema, 0);
        row = (uint8_t *)kit_alloc(file.s[0].row_size);
        memset(row, 0, file.s[0].row_size);
        d.coding = TELEM_FILE_COLUMNS;
        d.sync = TELEM_FILE_SYNC_INTERVAL;
        io = kit_io(&file);
        io.sync = sync_once;
        CHECK_OK(kit_open(&kw, &file, &d, &io));
        CHECK_OK(kit_add_streams(&kw, &file));
        CHECK_OK(telem_file_write_row(&kw.w, 1, 1, row));
        __atomic_store_n(&tells, 1, __ATOMIC_RELEASE);
        CHECK_EQ_INT(pthread_create(&a, NULL, sync_it, &kw.w), 0);
        CHECK_EQ_INT(pthread_create(&b, NULL, sync_it, &kw.w), 0);
        (void)pthread_join(a, &in_a);
        (void)pthread_join(b, &in_b);
        CHECK(in_a && in_b);
        CHECK_EQ_INT(telem_file_sync(&kw.w), TELEM_ERR_IO); /* until it is cleared */
        CHECK_EQ_INT(telem_file_write_row(&kw.w, 1, 2, row), TELEM_ERR_IO);
        CHECK_OK(telem_file_writer_clear(&kw.w));
        CHECK_OK(telem_file_sync(&kw.w));
        CHECK_OK(telem_file_write_row(&kw.w, 1, 3, row));
        CHECK_OK(kit_close(&kw));
        free(row);
        kit_free_schema(&schema);
        kit_free_file(&file);
    }
    CHECK(syncs > 0);
}

int main(void) {
    RUN(rows_of_two_threads_come_back);
    RUN(errors_between_two_threads_are_told);
    RUN(failed_sync_is_told_to_both_of_two);
    return CHECK_MAIN_END();
}
