/* bench_follow.c - how long after telem_feed_write returned a reader in another process has the row: by spinning over
   the mapped journal zone, by spinning with reads, by polling each millisecond, and without a journal. The writer
   makes a row every 20 us. Beside them what the machine does to a loop that only reads the clock.
   make bench-follow */
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem_file.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#define ROW_TABLE(F) F(FIELD, u64, n, "", "") F(ARRAY, f32, v, 8, "", "")
TELEM_DEFINE(Row, ROW_TABLE, "");
enum { ROWS = 50000, GAP = 20000, WARM = 1000 };

static uint64_t memory[1 << 21], reader_memory[1 << 21];
static uint64_t waits[ROWS];
static size_t count;

static uint64_t now_ns(void) {
    static telem_clock c;
    if (!c.read) c = telem_clock_monotonic();
    return c.read(c.user);
}

/* The time of a row is the moment just before its write: the write itself is part of what is measured. */
static int writer(const char *dir, int journal) {
    static telem_feed_writer w;
    telem_feed_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    telem_dir system = telem_dir_system(dir);
    uint64_t next;
    Row r = TELEM_ZERO;
    s.id = 1;
    s.schema = &Row_schema;
    d.dir = &system;
    d.name = "bench";
    d.file.memory = memory;
    d.file.memory_size = sizeof memory;
    d.file.journal = (uint8_t)journal;
    d.file.level = TELEM_FILE_FAST;
    d.streams = &s;
    d.stream_count = 1;
    if (telem_feed_open(&w, &d) != TELEM_OK) return 1;
    next = now_ns() + 20000000;
    for (r.n = 0; r.n < ROWS; r.n++, next += GAP) {
        uint64_t t, k = r.n % 8;
        while ((t = now_ns()) < next) {
        }
        r.v[k] += (float)(r.n % 13) * 0.25f;
        if (telem_feed_write(&w, 1, (int64_t)t, &r) != TELEM_OK) return 2;
    }
    return telem_feed_close(&w) != TELEM_OK;
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void print(const char *name) {
    qsort(waits, count, sizeof *waits, compare);
    if (count == 0) return;
    printf("%-34s %8.2f %8.2f %8.2f %8.2f %10.1f\n", name, (double)waits[count / 2] / 1e3, (double)waits[count * 99 / 100] / 1e3,
           (double)waits[count * 999 / 1000] / 1e3, (double)waits[count * 9999 / 10000] / 1e3, (double)waits[count - 1] / 1e3);
    fflush(stdout);
}

static void idle(void) {
    uint64_t end = now_ns() + 2000000000u, t = now_ns(), u;
    for (count = 0; t < end && count < ROWS; t = u) {
        uint64_t most = 0, until = t + GAP;
        do {
            u = now_ns();
            if (u - t > most) most = u - t;
            t = u;
        } while (u < until);
        waits[count++] = most;
    }
    print("idle loop, longest gap in 20 us");
}

static void forget(const char *dir) {
    pid_t p = fork();
    if (p == 0) {
        execlp("rm", "rm", "-rf", dir, (char *)NULL);
        _exit(1);
    }
    (void)waitpid(p, NULL, 0);
}

static void measure(const char *name, const char *dir, int journal, int mapped, int poll_us) {
    static telem_feed_reader f;
    telem_feed_reader_desc d = TELEM_ZERO;
    telem_dir system = telem_dir_system(dir);
    telem_file_item item;
    telem_result r;
    uint64_t seen = 0;
    pid_t p;
    forget(dir);
    d.dir = &system;
    d.name = "bench";
    d.memory = reader_memory;
    d.memory_size = sizeof reader_memory;
    d.follow = 1;
    d.map_zone = (uint8_t)mapped;
    r = telem_feed_reader_open(&f, &d);
    if (r != TELEM_AGAIN) return;
    p = fork();
    if (p == 0) _exit(writer(dir, journal));
    count = 0;
    while (seen < ROWS) {
        r = telem_feed_next(&f, &item);
        if (r == TELEM_OK && item.kind == TELEM_ITEM_ROW) {
            uint64_t t = now_ns();
            if (seen++ >= WARM) waits[count++] = t - (uint64_t)item.time;
        } else if (r == TELEM_AGAIN && poll_us) {
            struct timespec nap = {0, 0};
            nap.tv_nsec = poll_us * 1000;
            (void)nanosleep(&nap, NULL);
        } else if (r != TELEM_OK && r != TELEM_AGAIN) {
            printf("%s: %s\n", name, telem_result_text(r));
            break;
        }
        if (seen == 0 && waitpid(p, NULL, WNOHANG) == p) break;
    }
    (void)waitpid(p, NULL, 0);
    (void)telem_feed_reader_close(&f);
    print(name);
    forget(dir);
}

int main(int argc, char **argv) {
    const char *dir = argc > 1 ? argv[1] : "/dev/shm/telem-bench-follow";
    printf("from before a row is written to its being read, us; %d rows, one each 20 us, %s\n", ROWS, dir);
    printf("%-34s %8s %8s %8s %8s %10s\n", "", "p50", "p99", "p99.9", "p99.99", "max");
    idle();
    measure("journal, spinning, zone mapped", dir, 1, 1, 0);
    measure("journal, spinning, by reads", dir, 1, 0, 0);
    measure("journal, polling each ms", dir, 1, 1, 1000);
    measure("blocks only, spinning (max_age 1 s)", dir, 0, 0, 0);
    return 0;
}
