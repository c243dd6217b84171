/* scenario_blackbox.c - a process whose threads write into a mapped file is killed with SIGKILL at a
   random moment, many times. Then: every record whose push or commit had returned and that was not
   overwritten is read, each once, whole, in its thread's order; what was on its way is there or
   not; the account closes. Lanes and the shared lane, both policies, producers that are parked
   with a record open, readers that gate; and the ring is taken over and goes on.
   scenario_blackbox_narrow.c does the same with 32-bit cursors.
   UNIT: posix
   UNIT: native */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LANES 2u
#define THREADS 5u /* 0, 1: a lane each; 2, 3, 4: the shared lane; 4 parks now and then, for ever at last */
#define REPORT 4096u
#define SIZE (REPORT + (1u << 17))

/* In front of the ring: what each thread has had confirmed. */
typedef struct report {
    telem_atomic32 done[THREADS]; /* records whose push has returned */
    telem_atomic32 released;      /* by the gating reader */
} report;

static uint8_t *map;
static report *told;
static telem_ring *ring;

static uint32_t len_of(uint32_t n) { return 8u + n * 37u % 91u; }
static void fill(uint8_t *p, uint32_t thread, uint32_t n) {
    uint32_t i, len = len_of(n);
    telem_put32(p, thread);
    telem_put32(p + 4, n);
    for (i = 8; i < len; i++) p[i] = (uint8_t)(n * 31u + thread + i);
}
static int whole(const uint8_t *p, uint32_t len, uint32_t thread, uint32_t n) {
    uint8_t want[128];
    if (len != len_of(n)) return 0;
    fill(want, thread, n);
    return memcmp(p, want, len) == 0;
}

/* ---- the one that is killed ---- */

static void *produce(void *arg) {
    uint32_t thread = (uint32_t)(uintptr_t)arg, n = 0, tries;
    telem_ring_writer w;
    telem_ring_span span;
    uint8_t bytes[128];
    if (telem_ring_writer_init(&w, ring, thread < LANES ? (int)thread : TELEM_RING_SHARED) != TELEM_OK) return NULL;
    for (tries = 0;; tries++) {
        telem_result res;
        fill(bytes, thread, n);
        if (thread == 4u || tries % 16u == 0) {
            res = telem_ring_begin(&w, thread, TELEM_RING_NOW, len_of(n), &span);
            if (res == TELEM_OK && thread == 4u && n % 8u == 7u) usleep(n % 64u == 63u ? 100000000u : 500u);
            if (res == TELEM_OK) (void)telem_ring_span_write(&w, &span, 0, bytes, len_of(n));
            if (res == TELEM_OK && tries % 160u == 0) (void)telem_ring_abort(&w, &span), res = TELEM_FULL;
            else if (res == TELEM_OK) res = telem_ring_commit(&w, &span);
        } else res = telem_ring_push(&w, thread, TELEM_RING_NOW, bytes, len_of(n));
        if (res == TELEM_OK) TELEM_STORE32_RELEASE(&told->done[thread], ++n); /* else again */
        else if (res != TELEM_FULL) abort();
    }
}

static telem_ring_reader gate;
static void *consume(void *arg) {
    telem_ring_record rec;
    uint32_t n = 0;
    (void)arg;
    for (;;) {
        if (telem_ring_peek(&gate, &rec) != TELEM_OK) continue;
        TELEM_STORE32_RELEASE(&told->released, ++n); /* before: it may be gone when we are killed */
        (void)telem_ring_release(&gate);
        if (n % 64u == 0) usleep(200);
    }
    return NULL; /* not reached; gcc asks for it */
}

static int child(int fd, uint32_t mode) {
    telem_ring_desc d = TELEM_ZERO;
    telem_clock clock = telem_clock_monotonic();
    telem_ring_reader_desc q = TELEM_ZERO;
    static uint64_t copy[64];
    pthread_t t;
    uintptr_t i;
    map = (uint8_t *)mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return 1;
    told = (report *)(void *)map;
    d.memory = map + REPORT, d.memory_size = SIZE - REPORT;
    d.lanes = LANES, d.lane_bytes = 8192, d.shared_bytes = 16384, d.max_record = 128;
    d.policy = mode & 1u ? TELEM_RING_OVERWRITE : TELEM_RING_REFUSE;
    d.contiguous = (uint8_t)(mode >> 2 & 1u);
    d.clock = &clock;
    if (telem_ring_init(&ring, &d) != TELEM_OK) return 1;
    q.gating = 1, q.copy = copy, q.copy_size = sizeof copy;
    if ((mode & 3u) == 2u && (telem_ring_reader_init(&gate, ring, &q) != TELEM_OK || pthread_create(&t, NULL, consume, NULL) != 0)) return 1;
    for (i = 0; i < THREADS; i++)
        if (pthread_create(&t, NULL, produce, (void *)i) != 0) return 1;
    pthread_join(t, NULL);
    return 0;
}

/* ---- the one that looks ---- */

static const char *self;
static uint64_t saved, killed_early;

/* Each thread's records: a run without a gap up to the last that was confirmed, or one more. */
static void check_records(telem_ring_image *im) {
    uint32_t next[THREADS], first[THREADS], i;
    uint8_t buf[128];
    telem_ring_record rec;
    telem_result res;
    uint64_t count = 0;
    memset(next, 0xFF, sizeof next);
    memset(first, 0xFF, sizeof first);
    while ((res = telem_ring_image_read(im, &rec, buf, sizeof buf)) == TELEM_OK) {
        uint32_t thread = rec.stream, n = rec.len >= 8u ? telem_get32(buf + 4) : 0;
        count++;
        if (thread >= THREADS || telem_get32(buf) != thread || !whole(buf, rec.len, thread, n) || rec.lane != (thread < LANES ? thread : LANES)) {
            CHECK_EQ_INT(thread, -1); /* torn, or under another's name */
            return;
        }
        if (next[thread] == UINT32_MAX) first[thread] = n;
        else CHECK_EQ_INT(n, next[thread]);
        next[thread] = n + 1u;
    }
    CHECK_EQ_INT(res, TELEM_END);
    CHECK_EQ_INT(count, im->account.saved);
    for (i = 0; i < THREADS; i++) {
        uint32_t done = TELEM_LOAD32_RELAXED(&told->done[i]);
        if (next[i] == UINT32_MAX) CHECK(i >= LANES || done == 0); /* others have overwritten all of it */
        else CHECK(next[i] == done || next[i] == done + 1u);
        if (i < LANES && first[i] != UINT32_MAX && first[i] > 0) CHECK(next[i] - first[i] > 50u); /* 8192 bytes, at most 112 each */
    }
    saved += count;
}

static void check_account(const telem_ring_account *a) {
    uint64_t done = 0;
    uint32_t i;
    for (i = 0; i < THREADS; i++) done += TELEM_LOAD32_RELAXED(&told->done[i]);
    CHECK(a->committed >= done && a->committed <= done + THREADS);
    CHECK_EQ_INT(a->committed, a->saved + a->overwritten + a->half);
    CHECK_EQ_INT(a->damaged + a->outside + a->lanes_lost + a->unknown, 0);
    CHECK(a->open <= THREADS);
}

/* In REFUSE all that the gating reader had not released is there. */
static void check_gate(const telem_ring_account *a, uint32_t mode) {
    uint32_t released = TELEM_LOAD32_RELAXED(&told->released);
    if ((mode & 3u) == 2u && released > 0) CHECK(a->saved + released >= a->committed);
}

static void check_takeover(telem_ring_account before) {
    telem_clock clock = telem_clock_monotonic();
    telem_ring_account a;
    telem_ring_reader_desc d = TELEM_ZERO;
    telem_ring_reader rd;
    telem_ring_record rec;
    telem_ring_writer w[3];
    telem_ring_counts c;
    telem_ring_reader_counts n;
    uint64_t copy[32];
    uint8_t bytes[128];
    uint32_t i;
    telem_result res;
    d.copy = copy, d.copy_size = sizeof copy;
    REQUIRE_OK(telem_ring_resume(&ring, map + REPORT, SIZE - REPORT, &clock, &a));
    CHECK_MEM(&a, &before, sizeof a);
    REQUIRE_OK(telem_ring_reader_init(&rd, ring, &d));
    for (i = 0; i < 3u; i++) REQUIRE_OK(telem_ring_writer_init(&w[i], ring, i < LANES ? (int)i : TELEM_RING_SHARED));
    for (i = 0; i < 3000u; i++) {
        fill(bytes, 9, i);
        CHECK_OK(telem_ring_push(&w[i % 3u], 9, TELEM_RING_NOW, bytes, len_of(i)));
    }
    for (i = 0; (res = telem_ring_peek(&rd, &rec)) == TELEM_OK; i++) {
        CHECK(rec.stream == 9u && telem_get32((const uint8_t *)rec.data) == 9u);
        CHECK_OK(telem_ring_release(&rd));
    }
    CHECK(res == TELEM_EMPTY && i > 250u);
    CHECK_OK(telem_ring_stats(ring, &c));
    CHECK_OK(telem_ring_reader_stats(&rd, &n));
    CHECK_EQ_INT(c.committed, a.committed + 3000u);
    CHECK_EQ_INT(c.open, 0);
    CHECK_EQ_INT(c.aborted, a.aborted + a.open);
    CHECK_EQ_INT(c.refused, a.refused);
    CHECK(n.delivered + n.lost <= a.saved + 3000u && n.queued == 0);
}

static void kill_one(uint64_t *rng) {
    uint32_t mode = (uint32_t)(check_rand(rng) % 8u), waited = 0;
    FILE *f = tmpfile();
    int fd, status = 0;
    char fd_text[16], mode_text[16];
    pid_t pid;
    telem_ring_image im;
    telem_ring_attach_desc d = TELEM_ZERO;
    telem_result res;
    REQUIRE(f != NULL);
    fd = fileno(f);
    REQUIRE(ftruncate(fd, SIZE) == 0);
    snprintf(fd_text, sizeof fd_text, "%d", fd);
    snprintf(mode_text, sizeof mode_text, "%u", (unsigned)mode);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        execl(self, self, "child", fd_text, mode_text, (char *)NULL);
        _exit(127);
    }
    map = (uint8_t *)mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    REQUIRE(map != MAP_FAILED);
    told = (report *)(void *)map;
    /* half of them in the middle of their work, however slow the machine is; the others at any moment */
    if (check_rand(rng) % 2)
        while (waited++ < 5000 && TELEM_LOAD32_RELAXED(&told->done[0]) == 0) usleep(1000);
    usleep((useconds_t)(check_rand(rng) % 30000u));
    (void)kill(pid, SIGKILL);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status)); /* else it ended by itself: it could not start */
    d.bytes = map + REPORT, d.size = SIZE - REPORT;
    res = telem_ring_attach(&im, &d);
    if (res == TELEM_ERR_NOT_FOUND) killed_early += TELEM_LOAD32_RELAXED(&told->done[0]) == 0;
    CHECK(res == TELEM_OK || (res == TELEM_ERR_NOT_FOUND && TELEM_LOAD32_RELAXED(&told->done[0]) == 0));
    if (res == TELEM_OK) {
        check_account(&im.account);
        check_gate(&im.account, mode);
        check_records(&im);
        check_takeover(im.account);
    }
    munmap(map, SIZE);
    fclose(f);
}

TEST(killed_processes_leave_all_that_was_committed) {
    uint64_t rng = check_seed();
    uint32_t i, n = check_quick() ? 25u : 600u;
    for (i = 0; i < n && !check_g.bad; i++) kill_one(&rng);
    printf("%u killed, %lu of them before there was a ring; %lu records saved\n", (unsigned)n, (unsigned long)killed_early, (unsigned long)saved);
    CHECK(saved > n);
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "child") == 0) return child(atoi(argv[2]), (uint32_t)atoi(argv[3]));
    self = argv[0];
    RUN(killed_processes_leave_all_that_was_committed);
    return CHECK_MAIN_END();
}
