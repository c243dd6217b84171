/* test_feed_threads.c - a feed written with a helper thread, synced by another one, rotated and followed meanwhile: four
   threads, and nothing in common between writer and reader but the directory.   UNIT: threads, UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#if !defined(TEST_LINKED)
#define TELEM_IMPLEMENTATION
#endif
#include "telem_file.h"
#include <pthread.h>
#include "check.h"
#if defined(_WIN32)
#include <direct.h>
#include <process.h>
#define getpid _getpid
#define rmdir _rmdir
#else
#include <unistd.h>
#endif

#define ROW_TABLE(F) F(FIELD, u64, n, "", "") F(ARRAY, u32, v, 6, "", "")
TELEM_DEFINE(Row, ROW_TABLE, "");

static uint64_t memory[1 << 18], reader_memory[1 << 18];
static telem_feed_writer w;
static telem_feed_reader rd;
static telem_atomic32 stop;
static char path[200];
static uint64_t rows_wanted;

static Row row_of(uint64_t n) {
    Row r;
    uint32_t i;
    memset(&r, 0, sizeof r);
    r.n = n;
    for (i = 0; i < 6; i++) {
        uint64_t h = (n * 6 + i + 1) * 0x9E3779B97F4A7C15u;
        h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9u;
        r.v[i] = (uint32_t)(h >> 40);
    }
    return r;
}

static void *helper(void *arg) {
    (void)arg;
    while (TELEM_LOAD32_ACQUIRE(&stop) == 0)
        if (telem_file_work(&w.w) <= 0) {
            struct timespec nap = {0, 50000};
            (void)nanosleep(&nap, NULL);
        }
    return NULL;
}

/* Syncs without pause: in front of, in and behind every rotation, and behind the close. */
static telem_atomic32 syncs;
static uint32_t refused;
static void *syncer(void *arg) {
    uint64_t *bad = (uint64_t *)arg;
    telem_result r;
    do {
        r = telem_file_sync(&w.w);
        if (r == TELEM_OK) (void)TELEM_FETCH_ADD32(&syncs, 1);
        else if (r == TELEM_ERR_STATE) refused++; /* closed */
        else ++*bad;
    } while (refused < 3 && *bad == 0);
    return NULL;
}

static void *follower(void *arg) {
    telem_feed_reader_desc d = TELEM_ZERO;
    telem_dir dir = telem_dir_system(path);
    telem_file_item item;
    uint64_t *bad = (uint64_t *)arg, next = 0;
    int tries = 0;
    d.dir = &dir;
    d.name = "threads";
    d.memory = reader_memory;
    d.memory_size = sizeof reader_memory;
    d.follow = 1;
    d.map_zone = 1;
    (void)telem_feed_reader_open(&rd, &d);
    while (next < rows_wanted && tries < 100000) {
        telem_result r = telem_feed_next(&rd, &item);
        if (r == TELEM_AGAIN) {
            struct timespec nap = {0, 1000000};
            (void)nanosleep(&nap, NULL);
            tries++;
        } else if (r != TELEM_OK) {
            ++*bad;
            break;
        } else if (item.kind == TELEM_ITEM_ROW) {
            Row want = row_of(next), got;
            if (item.row != next || telem_file_get(&item, &Row_schema, &got) != TELEM_OK || memcmp(&got, &want, sizeof got) != 0) ++*bad;
            next = item.row + 1;
        } else if (item.kind == TELEM_ITEM_MISSING || item.kind == TELEM_ITEM_DAMAGE) {
            ++*bad;
        }
    }
    if (next != rows_wanted) ++*bad;
    (void)telem_feed_reader_close(&rd);
    return NULL;
}

static int first_name(void *arg, const telem_dir_entry *e) {
    snprintf((char *)arg, 200, "%s", e->name);
    return 1;
}
static void wipe(void) {
    telem_dir d = telem_dir_system(path);
    char name[200] = "";
    while (d.list(d.user, first_name, name) == TELEM_OK && name[0] && d.remove(d.user, name) == TELEM_OK) name[0] = 0;
    (void)rmdir(path);
}

static void run(int journal) {
    telem_feed_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    telem_dir dir;
    pthread_t h, f, y;
    uint64_t n, bad = 0, unsynced = 0;
    int tries = 0;
    const char *build = getenv("BUILD");
    snprintf(path, sizeof path, "%s/feed-threads-%ld", build && *build ? build : ".", (long)getpid());
    dir = telem_dir_system(path);
    rows_wanted = check_quick() ? 20000 : 60000; /* each block waits for two syncs */
    s.id = 1;
    s.schema = &Row_schema;
    d.dir = &dir;
    d.name = "threads";
    d.file.memory = memory;
    d.file.memory_size = sizeof memory;
    d.file.max_block = 32768;
    d.file.block_rows = 512;
    d.file.max_streams = 2;
    d.file.max_row = 256;
    d.file.pace = TELEM_FILE_HELPER;
    d.file.journal = (uint8_t)journal;
    d.file.sync = journal ? TELEM_FILE_SYNC_BLOCK : TELEM_FILE_SYNC_NONE; /* the helper syncs, too */
    d.file.journal_slots = 4;
    d.file.journal_slot_bytes = 16384;
    d.streams = &s;
    d.stream_count = 1;
    d.rotate_bytes = journal ? 140000 : 60000;
    REQUIRE_OK(telem_feed_open(&w, &d));
    TELEM_STORE32_RELEASE(&stop, 0);
    REQUIRE(pthread_create(&h, NULL, helper, NULL) == 0);
    REQUIRE(pthread_create(&f, NULL, follower, &bad) == 0);
    TELEM_STORE32_RELEASE(&syncs, 0);
    refused = 0;
    REQUIRE(pthread_create(&y, NULL, syncer, &unsynced) == 0);
    while (TELEM_LOAD32_ACQUIRE(&syncs) == 0 && tries++ < 30000) { /* the thread may begin late */
        struct timespec nap = {0, 1000000};
        (void)nanosleep(&nap, NULL);
    }
    for (n = 0; n < rows_wanted; n++) {
        Row r = row_of(n);
        CHECK_OK(telem_feed_write(&w, 1, (int64_t)n, &r));
    }
    CHECK_OK(telem_feed_rotate(&w)); /* with rows at the helper's */
    TELEM_STORE32_RELEASE(&stop, 1);
    (void)pthread_join(h, NULL);
    CHECK(w.number > 3);
    CHECK_OK(telem_feed_close(&w));
    (void)pthread_join(f, NULL);
    (void)pthread_join(y, NULL);
    CHECK_EQ_INT(bad, 0);
    CHECK_EQ_INT(unsynced, 0);
    CHECK(TELEM_LOAD32_ACQUIRE(&syncs) > 0);
    CHECK_EQ_INT(refused, 3);
    wipe();
}

/* A thread that syncs without pause does not keep another one from its sync. */
static telem_atomic32 begun;
static telem_result slow_sync(void *user) {
    struct timespec nap = {0, 1000000};
    (void)user;
    (void)TELEM_FETCH_ADD32(&begun, 1);
    (void)nanosleep(&nap, NULL);
    return TELEM_OK;
}
static void *greedy(void *arg) {
    uint64_t *bad = (uint64_t *)arg;
    while (TELEM_LOAD32_ACQUIRE(&stop) == 0)
        if (telem_file_sync(&w.w) != TELEM_OK) ++*bad;
    return NULL;
}
TEST(syncs_come_in_turn) {
    telem_file_writer_desc d = TELEM_ZERO;
    telem_memory_io m;
    telem_io io;
    pthread_t g;
    uint64_t bad = 0;
    int i, late = 0;
    io = telem_io_memory(&m, reader_memory, sizeof reader_memory);
    io.sync = slow_sync;
    d.io = &io;
    d.memory = memory;
    d.memory_size = sizeof memory;
    d.max_block = 4096;
    d.max_streams = 1;
    d.max_row = 64;
    REQUIRE_OK(telem_file_writer_open(&w.w, &d));
    TELEM_STORE32_RELEASE(&stop, 0);
    REQUIRE(pthread_create(&g, NULL, greedy, &bad) == 0);
    while (TELEM_LOAD32_ACQUIRE(&begun) < 3) {}
    for (i = 0; i < 40; i++) {
        struct timespec nap = {0, 500000}; /* the other one gets it meanwhile */
        uint32_t before = TELEM_LOAD32_ACQUIRE(&begun);
        CHECK_OK(telem_file_writer_sync(&w.w));
        late += TELEM_LOAD32_ACQUIRE(&begun) - before > 4u; /* its own, one at work, one or two that begin meanwhile */
        (void)nanosleep(&nap, NULL);
    }
    TELEM_STORE32_RELEASE(&stop, 1);
    (void)pthread_join(g, NULL);
    CHECK(late <= 10); /* a scheduler may let one thread sleep */
    CHECK_EQ_INT(bad, 0);
    CHECK_OK(telem_file_writer_close(&w.w));
}

TEST(rotation_with_a_helper_thread) { run(0); }
TEST(rotation_with_a_helper_thread_and_a_journal) { run(1); }

int main(void) {
    RUN(syncs_come_in_turn);
    RUN(rotation_with_a_helper_thread);
    RUN(rotation_with_a_helper_thread_and_a_journal);
    return CHECK_MAIN_END();
}
