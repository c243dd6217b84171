/* bench_shm.c - what telem_shm.h costs between two processes, beside what the machine needs at least.
   `make bench-shm` builds and runs it.

     shm.<case> <value> <unit> limit <value> ratio <x>

   Two exec'd processes, pinned to two processors. Messages go to and fro; "one way" is half of that.
   The limit is measured in the same run, in rounds that alternate with the case's:
     line     one cache line, to and fro between the same two processors, polled without a pause; the
              next message takes the next of 64 lines, since how far a line has to go depends on its
              address where the caches are spread over the chip
              bare-message-* : messages of the same size in lines of their own for each direction, without
              any library; what a message costs at least where one way is not half of a ball's way
     copy     the same bytes by bare memcpy into shared memory, a flag, and memcpy out again
     memcpy   one memcpy of memory that the other processor wrote last
     futex    a bare store and FUTEX_WAKE, until the sleeper runs
     publish  the same frames in batches (one fence and one look at the sleepers for all)
   A run in whose rounds the way of a line changed by more than a quarter is dropped and repeated
   (the placement of the processors changed). Values are medians over the rounds; p99.9, costs of one
   process and throughputs are those of the best tenth of the rounds (others use the machine, too). A ratio is the value over the limit; of
   throughputs, too. BENCH_ROUNDS=n: rounds of a case (60). BENCH_ONLY=text: cases with that in their
   name.  */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* sched_setaffinity */
#endif
#define TELEM_IMPLEMENTATION
#include "telem_shm.h"
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define NOINLINE __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))
#define MB ((size_t)1 << 20)
#define MOST_ROUNDS 400
#define MOST_TRIPS 4000

/* ---- what both processes see ---- */

typedef struct board {
    uint64_t ball[64][8] __attribute__((aligned(4096)));
    uint32_t count __attribute__((aligned(64)));
    uint32_t round __attribute__((aligned(64)));
    uint32_t command __attribute__((aligned(64)));
    uint32_t sleeper __attribute__((aligned(64)));
    uint64_t stamp __attribute__((aligned(64)));
    uint64_t bare[2][64][16] __attribute__((aligned(4096)));
    uint64_t flag[2][8] __attribute__((aligned(64)));
    uint64_t result[MOST_ROUNDS] __attribute__((aligned(64)));
    uint8_t big[2][1 << 20] __attribute__((aligned(4096)));
} board;
static board *common;
static int me; /* 0: the first process, 1: the second */
static int cpu[2], wires[8]; /* pipe there, pipe back, sockets, two eventfds */
static int rounds = 60;
static uint8_t own[2][1 << 20] __attribute__((aligned(4096)));
static double tick; /* ns */

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
INLINE uint64_t stamp(void) {
#if TELEM_HAS_TSC
    return telem_tsc();
#else
    return now_ns();
#endif
}
static void pause_a_bit(void) { TELEM_I_SHM_PAUSE(); }
static void fail(const char *what) {
    printf("shm: %s failed (process %d)\n", what, me);
    fflush(stdout);
    _exit(1);
}
static void must(telem_result r, const char *what) {
    if (r == TELEM_OK) return;
    printf("shm: %s: %s\n", what, telem_result_name(r));
    fail(what);
}
static void line(const char *name, double value, const char *unit, double limit) {
    printf("shm.%s %.3g %s limit %.3g ratio %.2f\n", name, value, unit, limit,
           limit > 0 ? value / limit : 0.0);
    fflush(stdout);
}

static void pin(int which) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu[which], &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) fail("sched_setaffinity");
}
static void meet(void) { /* both start together */
    uint32_t round = __atomic_load_n(&common->round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&common->count, 1, __ATOMIC_ACQ_REL) == 2) {
        __atomic_store_n(&common->count, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&common->round, round + 1, __ATOMIC_RELEASE);
        return;
    }
    while (__atomic_load_n(&common->round, __ATOMIC_ACQUIRE) == round) pause_a_bit();
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static int by_ticks(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}
static double part_of(double *v, int n, double part) {
    qsort(v, (size_t)n, sizeof *v, by_value);
    return v[(int)(part * (n - 1))];
}

/* ---- segments: each process writes one and reads the other's ---- */

static telem_shm out, in;
static telem_shm_writer w;
static telem_shm_reader rd;
static telem_shm_slot ahead; /* begun, to be committed */

typedef struct shape { /* of a case's segments */
    uint32_t frames, inline_bytes, pins, wait, reliable, hash, slots;
    uint64_t payload;
} shape;

static const char *name_of(int whose) {
    static char name[64];
    sprintf(name, "bench-shm-%ld-%d", (long)(me ? getppid() : getpid()), whose);
    return name;
}
static void open_out(const shape *s) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_writer_desc wd = TELEM_ZERO;
    d.name = name_of(me);
    d.frames = s->frames, d.inline_bytes = s->inline_bytes;
    d.pins = s->pins, d.readers = 1, d.hash = (uint8_t)s->hash, d.prefault = 1;
    if (s->payload)
        d.classes[0].bytes = s->payload, d.classes[0].count = s->slots ? s->slots : s->frames + 1u;
    must(telem_shm_create(&out, &d), "telem_shm_create");
    wd.patience = 20000000000u;
    must(telem_shm_writer_init(&w, &out, &wd), "telem_shm_writer_init");
}
static void open_in(const shape *s) {
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_reader_desc r = TELEM_ZERO;
    a.name = name_of(!me);
    a.prefault = 1;
    must(telem_shm_attach(&in, &a), "telem_shm_attach");
    r.wait = (uint8_t)s->wait, r.reliable = (uint8_t)s->reliable, r.verify = (uint8_t)s->hash;
    r.deadline = 20000000000u;
    must(telem_shm_reader_init(&rd, &in, &r), "telem_shm_reader_init");
}
static void close_in(void) {
    telem_shm_reader_deinit(&rd);
    telem_shm_detach(&in);
}
static void close_out(void) {
    if (w.open) must(telem_shm_abort(&w, &ahead), "telem_shm_abort");
    must(telem_shm_writer_deinit(&w), "telem_shm_writer_deinit");
    telem_shm_detach(&out);
}

/* ---- ways to send message i, and to receive it ---- */

INLINE void line_send(uint64_t i, uint64_t len) {
    (void)len;
    __atomic_store_n(&common->ball[i & 63u][0], 2 * i + 1 + (uint64_t)me, __ATOMIC_RELEASE);
}
INLINE void line_get(uint64_t i, uint64_t len) {
    (void)len;
    while (__atomic_load_n(&common->ball[i & 63u][0], __ATOMIC_ACQUIRE) != 2 * i + 2 - (uint64_t)me) {}
}

/* A message as bare as can be, in a line (or two) of its own for each direction: flag, words, flag. */
INLINE void bare_send(uint64_t i, uint64_t len) {
    uint64_t *p = common->bare[me][i & 63u], k;
    __atomic_store_n(p, ~i, __ATOMIC_RELAXED);
    for (k = 0; k < len / 8; k++) __atomic_store_n(p + 2 + k, i + k, __ATOMIC_RELAXED);
    __atomic_store_n(p, i + 1, __ATOMIC_RELEASE);
}
INLINE void bare_get(uint64_t i, uint64_t len) {
    uint64_t *p = common->bare[!me][i & 63u], k, v, sum = 0, n = len / 8;
    while ((v = __atomic_load_n(p, __ATOMIC_ACQUIRE)) != i + 1) __builtin_prefetch(p + 8);
    for (k = 0; k < n; k++) sum += __atomic_load_n(p + 2 + k, __ATOMIC_RELAXED);
    if (__atomic_load_n(p, __ATOMIC_RELAXED) != v || sum != n * i + n * (n - 1) / 2) fail("contents");
}

INLINE void small_send(uint64_t i, uint64_t len) { /* each word is new */
    uint64_t v[8];
    uint32_t k;
    for (k = 0; k < 8; k++) v[k] = i + k;
    if (telem_shm_publish(&w, 1, (int64_t)i, v, len) != TELEM_OK) fail("publish");
}
INLINE void small_use(const telem_shm_frame *f, uint64_t i, uint64_t len) { /* each word is read */
    const uint64_t *v = (const uint64_t *)f->data;
    uint64_t sum = 0, k, n = len / 8;
    for (k = 0; k < n; k++) sum += v[k];
    if (f->len != len || sum != n * i + n * (n - 1) / 2) fail("contents");
}
INLINE void small_poll(uint64_t i, uint64_t len) {
    telem_shm_frame f;
    while (telem_shm_next(&rd, &f) != TELEM_OK) {}
    small_use(&f, i, len);
    if (f.slot != TELEM_I_SHM_INLINE && !telem_shm_valid(&rd, &f)) fail("telem_shm_valid");
}
INLINE void small_wait(uint64_t i, uint64_t len) {
    telem_shm_frame f;
    while (telem_shm_wait(&rd, 1000000000) != TELEM_OK || telem_shm_next(&rd, &f) != TELEM_OK) {}
    small_use(&f, i, len);
}

INLINE void zero_send(uint64_t i, uint64_t len) { /* filled before: the notice only */
    if (telem_shm_commit(&w, &ahead, 1, (int64_t)i, len) != TELEM_OK) fail("commit");
    if (telem_shm_begin(&w, len, &ahead) != TELEM_OK) fail("begin");
}
INLINE void zero_get(uint64_t i, uint64_t len) {
    telem_shm_frame f;
    while (telem_shm_wait(&rd, 1000000000) != TELEM_OK || telem_shm_next(&rd, &f) != TELEM_OK) {}
    if (f.len != len || f.time != (int64_t)i || !f.data) fail("contents");
}

INLINE void copy_send(uint64_t i, uint64_t len) {
    if (telem_shm_publish(&w, 1, (int64_t)i, own[0], len) != TELEM_OK) fail("publish");
}
INLINE void copy_get(uint64_t i, uint64_t len) {
    telem_shm_frame f;
    while (telem_shm_read(&rd, &f, own[1], sizeof own[1]) != TELEM_OK) {}
    if (f.len != len || f.time != (int64_t)i) fail("contents");
}
INLINE void chunk_get(uint64_t i, uint64_t len) { /* copied out while the rest is copied in */
    telem_shm_gather g = TELEM_ZERO;
    telem_shm_frame f;
    telem_result r = TELEM_AGAIN;
    g.buf = own[1], g.cap = sizeof own[1];
    while (r == TELEM_AGAIN)
        if (telem_shm_next(&rd, &f) == TELEM_OK) r = telem_shm_gather_add(&g, &rd, &f);
    if (r != TELEM_OK || g.total != len || f.time != (int64_t)i) fail("gather");
}
INLINE void bare_copy_send(uint64_t i, uint64_t len) {
    memcpy(common->big[me], own[0], len);
    __atomic_store_n(&common->flag[me][0], i + 1, __ATOMIC_RELEASE);
}
INLINE void bare_copy_get(uint64_t i, uint64_t len) {
    while (__atomic_load_n(&common->flag[!me][0], __ATOMIC_ACQUIRE) != i + 1) {}
    memcpy(own[1], common->big[!me], len);
}

INLINE void fd_send(int fd, uint64_t i, uint64_t len) {
    uint64_t v[8] = {0}, at = 0;
    const uint8_t *p = len <= sizeof v ? (const uint8_t *)v : own[0];
    v[0] = i;
    while (at < len) {
        ssize_t n = write(fd, p + at, len - at);
        if (n > 0) at += (uint64_t)n;
        else if (n < 0 && errno != EAGAIN && errno != EINTR) fail("write");
    }
}
INLINE void fd_get(int fd, uint64_t len) { /* polled */
    uint64_t at = 0;
    while (at < len) {
        ssize_t n = read(fd, own[1] + at, len - at);
        if (n > 0) at += (uint64_t)n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR)) fail("read");
    }
}
INLINE void pipe_send(uint64_t i, uint64_t len) { fd_send(wires[me ? 3 : 1], i, len); }
INLINE void pipe_get(uint64_t i, uint64_t len) { (void)i, fd_get(wires[me ? 0 : 2], len); }
INLINE void socket_send(uint64_t i, uint64_t len) { fd_send(wires[4 + me], i, len); }
INLINE void socket_get(uint64_t i, uint64_t len) { (void)i, fd_get(wires[4 + me], len); }
INLINE void event_send(uint64_t i, uint64_t len) {
    (void)i, (void)len;
    if (eventfd_write(wires[6 + me], 1) != 0) fail("eventfd_write");
}
INLINE void event_get(uint64_t i, uint64_t len) { (void)i, (void)len, fd_get(wires[6 + !me], 8); }

/* ---- rounds of trips to and fro ---- */

typedef struct round_result {
    double p50, p999;
} round_result;
static uint32_t took[MOST_TRIPS];
static uint64_t sent[2]; /* messages so far: lines, the case's */

typedef void trips_fn(uint64_t first, uint64_t n, uint64_t len);
#define TRIPS(NAME, SEND, GET) \
    static NOINLINE void NAME(uint64_t first, uint64_t n, uint64_t len) { \
        uint64_t i, before = stamp(), t; \
        for (i = first; i < first + n; i++) { \
            if (me) { GET(i, len); SEND(i, len); continue; } \
            SEND(i, len); \
            GET(i, len); \
            t = stamp(); \
            took[i - first] = (uint32_t)(t - before); \
            before = t; \
        } \
    }
TRIPS(line_trips, line_send, line_get)
TRIPS(bare_trips, bare_send, bare_get)
TRIPS(poll_trips, small_send, small_poll)
TRIPS(wait_trips, small_send, small_wait)
TRIPS(zero_trips, zero_send, zero_get)
TRIPS(copy_trips, copy_send, copy_get)
TRIPS(chunk_trips, copy_send, chunk_get)
TRIPS(bare_copy_trips, bare_copy_send, bare_copy_get)
TRIPS(pipe_trips, pipe_send, pipe_get)
TRIPS(socket_trips, socket_send, socket_get)
TRIPS(event_trips, event_send, event_get)

static round_result one_round(trips_fn *fn, uint64_t *at, uint64_t n, uint64_t len) {
    round_result r;
    meet();
    fn(*at, n, len);
    *at += n;
    qsort(took, n, sizeof *took, by_ticks);
    r.p50 = took[n / 2] * tick / 2;
    r.p999 = took[n - 1 - n / 1000] * tick / 2;
    return r;
}

typedef struct way_case {
    const char *name;
    trips_fn *fn, *limit; /* limit NULL: the line */
    uint64_t len, trips;
    shape s;
    int segments;
} way_case;
static const way_case ways[] = {
    {"bare-message-48", bare_trips, NULL, 48, MOST_TRIPS, {0, 0, 0, 0, 0, 0, 0, 0}, 0},
    {"bare-message-64", bare_trips, NULL, 64, MOST_TRIPS, {0, 0, 0, 0, 0, 0, 0, 0}, 0},
    {"inline-8", wait_trips, NULL, 8, MOST_TRIPS, {64, 48, 0, TELEM_SHM_SPIN, 0, 0, 0, 0}, 1},
    {"inline-48", wait_trips, NULL, 48, MOST_TRIPS, {64, 48, 0, TELEM_SHM_SPIN, 0, 0, 0, 0}, 1},
    {"inline-48-of-2-frames", wait_trips, NULL, 48, MOST_TRIPS, {2, 48, 0, TELEM_SHM_SPIN, 0, 0, 0, 0}, 1},
    {"inline-48-spin-then-sleep", wait_trips, NULL, 48, MOST_TRIPS,
     {64, 48, 0, TELEM_SHM_SPIN_SLEEP, 0, 0, 0, 0}, 1},
    {"inline-48-next-polled", poll_trips, NULL, 48, MOST_TRIPS, {64, 48, 0, TELEM_SHM_SPIN, 0, 0, 0, 0}, 1},
    {"inline-64", wait_trips, NULL, 64, MOST_TRIPS, {64, 112, 0, TELEM_SHM_SPIN, 0, 0, 0, 0}, 1},
    {"slot-64", wait_trips, NULL, 64, MOST_TRIPS, {64, 48, 0, TELEM_SHM_SPIN, 0, 0, 65, 64}, 1},
    {"zero-copy-64", zero_trips, NULL, 64, MOST_TRIPS, {64, 48, 0, TELEM_SHM_SPIN, 0, 0, 66, 64}, 1},
    {"zero-copy-1M", zero_trips, NULL, MB, MOST_TRIPS, {64, 48, 0, TELEM_SHM_SPIN, 0, 0, 4, MB}, 1},
    {"copied-4K", copy_trips, bare_copy_trips, 4096, 1000, {2, 48, 1, TELEM_SHM_SPIN, 0, 0, 3, 4096}, 1},
    {"copied-4K-words", copy_trips, bare_copy_trips, 4096, 1000,
     {2, 48, 0, TELEM_SHM_SPIN, 0, 0, 3, 4096}, 1},
    {"copied-1M", copy_trips, bare_copy_trips, MB, 8, {2, 48, 1, TELEM_SHM_SPIN, 0, 0, 3, MB}, 1},
    {"copied-1M-in-chunks-of-64K", chunk_trips, bare_copy_trips, MB, 8,
     {16, 48, 1, TELEM_SHM_SPIN, 0, 0, 18, 65536}, 1},
    {"peer-pipe-64", pipe_trips, NULL, 64, 500, {0, 0, 0, 0, 0, 0, 0, 0}, 0},
    {"peer-socket-64", socket_trips, NULL, 64, 500, {0, 0, 0, 0, 0, 0, 0, 0}, 0},
    {"peer-eventfd", event_trips, NULL, 8, 500, {0, 0, 0, 0, 0, 0, 0, 0}, 0},
    {"peer-pipe-4K", pipe_trips, bare_copy_trips, 4096, 500, {0, 0, 0, 0, 0, 0, 0, 0}, 0},
    {"peer-socket-4K", socket_trips, bare_copy_trips, 4096, 500, {0, 0, 0, 0, 0, 0, 0, 0}, 0},
    {"peer-pipe-1M", pipe_trips, bare_copy_trips, MB, 4, {0, 0, 0, 0, 0, 0, 0, 0}, 0},
    {"peer-socket-1M", socket_trips, bare_copy_trips, MB, 4, {0, 0, 0, 0, 0, 0, 0, 0}, 0},
};
#define WAYS ((int)(sizeof ways / sizeof ways[0]))

static double way_of[MOST_ROUNDS]; /* a line's, by rounds */

/* Did the processors keep their places? ns of the line's way, 0: no. */
static double steady(int n) {
    double first[MOST_ROUNDS], last[MOST_ROUNDS], a, b, third;
    int k = n / 3;
    memcpy(first, way_of, (size_t)k * sizeof *first);
    memcpy(last, way_of + n - k, (size_t)k * sizeof *last);
    a = part_of(first, k, 0.5), b = part_of(last, k, 0.5);
    third = part_of(way_of, n, 0.5);
    if (a > b * 1.25 || b > a * 1.25) {
        printf("shm: the way of a line changed from %.0f to %.0f ns: that run is dropped\n", a, b);
        return 0;
    }
    return third;
}

static int way_run(const way_case *c) {
    double p50[MOST_ROUNDS], p999[MOST_ROUNDS], limit[MOST_ROUNDS], line999[MOST_ROUNDS], way, mine;
    uint64_t bare = 0;
    int i, n = rounds;
    char name[96];
    sent[0] = sent[1] = 0;
    memset(common->ball, 0, sizeof common->ball);
    memset(common->bare[me], 0, sizeof common->bare[me]);
    common->flag[me][0] = 0;
    meet();
    if (c->segments) {
        open_out(&c->s);
        meet();
        open_in(&c->s);
    }
    if (c->fn == zero_trips) must(telem_shm_begin(&w, c->len, &ahead), "telem_shm_begin");
    (void)one_round(c->fn, &sent[1], c->trips / 4, c->len);
    for (i = 0; i < n; i++) {
        round_result l = one_round(line_trips, &sent[0], MOST_TRIPS / 2, 0), r;
        way_of[i] = l.p50, line999[i] = l.p999;
        r = one_round(c->fn, &sent[1], c->trips, c->len);
        p50[i] = r.p50, p999[i] = r.p999;
        if (c->limit) limit[i] = one_round(c->limit, &bare, c->trips, c->len).p50;
    }
    meet();
    if (c->segments) {
        close_in();
        meet();
        close_out();
    }
    if (me) return 1;
    way = steady(n);
    if (way == 0) return 0;
    mine = part_of(p50, n, 0.5);
    sprintf(name, "%s-p50", c->name);
    line(name, mine, "ns", c->limit ? part_of(limit, n, 0.5) : way);
    if (c->limit || (!c->segments && c->fn != bare_trips)) return 1;
    sprintf(name, "%s-p99.9", c->name);
    line(name, part_of(p999, n, 0.1), "ns", way);
    printf("shm: there the line's own way is %.1f ns p50, %.1f p99.9\n", way, part_of(line999, n, 0.1));
    return 1;
}

/* ---- streams of 1 MB ---- */

#define STREAM_N 60u /* frames of a round */
#define WINDOW 15u    /* of these, timed by the reader */
#define DEPTH 8u /* of the bare streams, at most */
typedef enum stream_kind { BARE_ZERO, BARE_COPY, ZERO, COPIED, HASHED, PIPE, SOCKET, STREAMS } stream_kind;
static const char *const stream_name[STREAMS] = {
    "bare-stream-1M-zero-copy", "bare-stream-1M-copied", "stream-1M-zero-copy",  "stream-1M-copied",
    "stream-1M-zero-copy-xxh3", "peer-pipe-stream-1M",   "peer-socket-stream-1M"};
static uint64_t checksum;

static NOINLINE void fill(void *p, uint64_t seed, size_t n) { /* what a producer does in place */
    memset(p, (int)(seed & 255u), n);
    memcpy(p, &seed, 8);
}
static NOINLINE uint64_t look_through(const void *p, size_t n) { /* what a consumer does: each word */
    typedef uint64_t four __attribute__((vector_size(32), aligned(32)));
    const four *v = (const four *)p;
    four a = {0, 0, 0, 0}, b = a, c = a, d = a;
    size_t i;
    for (i = 0; i < n / sizeof *v; i += 4) a += v[i], b += v[i + 1], c += v[i + 2], d += v[i + 3];
    a += b + c + d;
    return a[0] + a[1] + a[2] + a[3];
}

static void stream_write(stream_kind k, uint64_t i) {
    telem_shm_slot slot;
    switch (k) {
    case BARE_ZERO:
    case BARE_COPY:
        while (i >= __atomic_load_n(&common->flag[1][0], __ATOMIC_ACQUIRE) + 2u) {}
        if (k == BARE_ZERO) fill(common->big[i & 1u], i, MB);
        else memcpy(common->big[i & 1u], own[0], MB);
        __atomic_store_n(&common->flag[0][0], i + 1, __ATOMIC_RELEASE);
        break;
    case ZERO:
    case HASHED:
        while (telem_shm_begin(&w, MB, &slot) != TELEM_OK) {}
        fill(slot.data, i, MB);
        must(telem_shm_commit(&w, &slot, 1, (int64_t)i, MB), "commit");
        break;
    case COPIED: must(telem_shm_publish(&w, 1, (int64_t)i, own[0], MB), "publish"); break;
    case PIPE: fd_send(wires[1], i, MB); break;
    default: fd_send(wires[4], i, MB); break;
    }
}
static void stream_read(stream_kind k, uint64_t i) {
    telem_shm_frame f;
    telem_result r;
    switch (k) {
    case BARE_ZERO:
    case BARE_COPY:
        while (i >= __atomic_load_n(&common->flag[0][0], __ATOMIC_ACQUIRE)) {}
        if (k == BARE_ZERO) checksum += look_through(common->big[i & 1u], MB);
        else memcpy(own[1], common->big[i & 1u], MB);
        __atomic_store_n(&common->flag[1][0], i + 1, __ATOMIC_RELEASE);
        break;
    case ZERO:
    case HASHED: /* HASHED: next has read all of it */
    case COPIED:
        do r = k == COPIED ? telem_shm_read(&rd, &f, own[1], MB) : telem_shm_next(&rd, &f);
        while (r == TELEM_EMPTY);
        must(r, "next");
        if (k == ZERO) checksum += look_through(f.data, MB);
        if (f.time != (int64_t)i || f.len != MB || !telem_shm_valid(&rd, &f)) fail("the stream's contents");
        break;
    case PIPE: fd_get(wires[0], MB); break;
    default: fd_get(wires[5], MB); break;
    }
}
/* GB/s of the best window: another program stops one of the two now and then. */
static double stream_round(stream_kind k, uint64_t *at, uint64_t n) {
    uint64_t t, i, best = UINT64_MAX;
    meet();
    t = now_ns();
    for (i = 0; i < n; i++) {
        if (!me) {
            stream_write(k, *at + i);
            continue;
        }
        stream_read(k, *at + i);
        if (i % WINDOW == WINDOW - 1u) {
            uint64_t now = now_ns();
            if (i >= WINDOW && now - t < best) best = now - t;
            t = now;
        }
    }
    *at += n;
    if (me) common->result[0] = best;
    meet();
    return (double)(WINDOW * MB) / (double)common->result[0];
}
/* memcpy of what the other one wrote last; what is copied stays in this core's reach */
static double memcpy_round(void) {
    uint64_t t, best = UINT64_MAX;
    int i;
    for (i = 0; i < 8; i++) {
        if (me) memset(common->big[0], i, MB);
        meet();
        t = now_ns();
        if (!me) memcpy(own[1], common->big[0], MB);
        t = now_ns() - t;
        if (t < best) best = t;
        meet();
    }
    return (double)MB / (double)best;
}
static double memcpy_alone(void) {
    uint64_t t, best = UINT64_MAX;
    int i;
    for (i = 0; i < 8; i++) {
        t = now_ns();
        memcpy(own[1], own[0], MB);
        t = now_ns() - t;
        if (t < best) best = t;
    }
    return (double)MB / (double)best;
}

static int stream_run(stream_kind k) {
    shape s = {8, 48, 0, TELEM_SHM_SPIN, 1, 0, 2, MB};
    double speed[MOST_ROUNDS], limit[MOST_ROUNDS], alone[MOST_ROUNDS], way;
    int i, n = rounds / (k >= PIPE ? 12 : 2) + 3, segment = k >= ZERO && k <= HASHED;
    uint64_t at = 0, lines = 0;
    memset(common->ball, 0, sizeof common->ball);
    common->flag[me][0] = 0;
    meet();
    s.hash = k == HASHED;
    if (segment && !me) open_out(&s);
    meet();
    if (segment && me) open_in(&s);
    (void)stream_round(k, &at, 4u);
    for (i = 0; i < n; i++) {
        way_of[i] = one_round(line_trips, &lines, MOST_TRIPS / 2, 0).p50;
        speed[i] = stream_round(k, &at, STREAM_N);
        limit[i] = memcpy_round();
        alone[i] = memcpy_alone();
    }
    if (segment && me) {
        if (rd.lost || rd.delivered != at) fail("the stream's account");
        close_in();
    }
    meet();
    if (segment && !me) close_out();
    if (me) return 1;
    way = steady(n);
    if (way == 0) return 0;
    line(stream_name[k], part_of(speed, n, 0.5), "GB/s", part_of(limit, n, 0.5));
    if (k == BARE_ZERO)
        printf("shm: one processor alone copies 1 MB at %.3g GB/s; XXH3 was compiled for vectors of kind %d\n",
               part_of(alone, n, 0.9), (int)XXH_VECTOR);
    return 1;
}

/* ---- waking a sleeper ---- */

#define WAKES 150
static void futex_call(uint32_t *word, int op, uint32_t value) {
    (void)syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}
/* Sends when the other one sleeps for sure. */
static void bare_wake(uint64_t i) {
    if (!me) {
        telem_i_shm_nap(150000);
        common->stamp = stamp();
        __atomic_store_n(&common->sleeper, (uint32_t)(i + 1), __ATOMIC_SEQ_CST);
        futex_call(&common->sleeper, FUTEX_WAKE, 1);
    } else {
        while (__atomic_load_n(&common->sleeper, __ATOMIC_ACQUIRE) != i + 1)
            futex_call(&common->sleeper, FUTEX_WAIT, (uint32_t)i);
        common->result[i] = stamp() - common->stamp;
    }
    meet();
}
static void frame_wake(uint64_t i) {
    if (!me) {
        telem_i_shm_nap(150000);
        common->stamp = stamp();
        must(telem_shm_publish(&w, 1, (int64_t)i, own[0], 48), "publish");
    } else {
        telem_shm_frame f;
        must(telem_shm_wait(&rd, 10000000000u), "telem_shm_wait");
        must(telem_shm_next(&rd, &f), "telem_shm_next");
        common->result[MOST_ROUNDS / 2 + i] = stamp() - common->stamp;
    }
    meet();
}
static void wake_run(const char *name, int by_socket) {
    shape s = {64, 48, 0, TELEM_SHM_SLEEP, 0, 0, 0, 0};
    double bare[WAKES], frame[WAKES];
    uint64_t i;
    intptr_t fd;
    common->sleeper = 0;
    meet();
    if (!me) open_out(&s);
    meet();
    if (me) open_in(&s);
    if (me && by_socket) must(telem_shm_reader_fd(&rd, &fd), "telem_shm_reader_fd");
    meet();
    for (i = 0; i < WAKES; i++) {
        bare_wake(i);
        frame_wake(i);
    }
    if (me) close_in();
    meet();
    if (me) return;
    close_out();
    for (i = 0; i < WAKES; i++) {
        bare[i] = (double)common->result[i] * tick / 1e3;
        frame[i] = (double)common->result[MOST_ROUNDS / 2 + i] * tick / 1e3;
    }
    line(name, part_of(frame, WAKES, 0.5), "us", part_of(bare, WAKES, 0.5));
}

/* ---- one process: what publishing costs ---- */

#define N 4000u
static NOINLINE double publish_64(void) {
    uint64_t t = now_ns(), i, v[8] = {0};
    for (i = 0; i < N; i++) {
        v[0] = i;
        (void)telem_shm_publish(&w, 1, (int64_t)i, v, 64);
    }
    return (double)(now_ns() - t) / N;
}
static NOINLINE double publish_64_batch(void) {
    uint64_t t = now_ns(), i, k, v[8] = {0};
    telem_shm_item it[50];
    for (k = 0; k < 50; k++) it[k].stream = 1, it[k].data = v, it[k].len = 64, it[k].time = 0;
    for (i = 0; i < N; i += 50) {
        v[0] = i;
        if (telem_shm_publish_batch(&w, it, 50, NULL) != 50) fail("publish_batch");
    }
    return (double)(now_ns() - t) / N;
}
static uint64_t bare_slots[64][16] __attribute__((aligned(64)));
static NOINLINE double bare_store_64(void) { /* a flag, the payload, the flag */
    uint64_t t = now_ns(), i, v[8] = {0};
    for (i = 0; i < N; i++) {
        uint64_t *to = bare_slots[i & 63u];
        v[0] = i;
        __atomic_store_n(to, i, __ATOMIC_RELAXED);
        memcpy(to + 2, v, 64);
        __atomic_store_n(to, i + 1, __ATOMIC_RELEASE);
    }
    return (double)(now_ns() - t) / N;
}
static NOINLINE double read_64(void) { /* what was published last: warm */
    telem_shm_frame f;
    uint64_t t, i, sum = 0;
    for (i = 0; i < 60; i++) (void)telem_shm_publish(&w, 1, (int64_t)i, own[0], 64);
    t = now_ns();
    for (i = 0; telem_shm_next(&rd, &f) == TELEM_OK; i++) sum += *(const uint64_t *)f.data;
    t = now_ns() - t;
    checksum += sum;
    return (double)t / (double)(i ? i : 1);
}

static void publish_run(const char *kind, const shape *s) {
    double alone[MOST_ROUNDS], batch[MOST_ROUNDS], bare[MOST_ROUNDS], a, b;
    char name[64];
    int i;
    open_out(s);
    for (i = 0; i < rounds; i++)
        alone[i] = publish_64(), batch[i] = publish_64_batch(), bare[i] = bare_store_64();
    a = part_of(alone, rounds, 0.1), b = part_of(batch, rounds, 0.1);
    sprintf(name, "publish-%s-64", kind);
    line(name, a, "ns", part_of(bare, rounds, 0.1));
    if (s->inline_bytes >= 64) line("no-waiter-added-64", a - b, "ns", b);
    close_out();
}
static void read_run(void) {
    shape s = {64, 112, 0, TELEM_SHM_SPIN, 0, 0, 0, 0};
    telem_shm_attach_desc a = TELEM_ZERO;
    double v[MOST_ROUNDS], bare[MOST_ROUNDS];
    int i;
    open_out(&s);
    a.name = name_of(me);
    must(telem_shm_attach(&in, &a), "telem_shm_attach");
    must(telem_shm_reader_init(&rd, &in, NULL), "telem_shm_reader_init");
    for (i = 0; i < rounds; i++) v[i] = read_64(), bare[i] = bare_store_64();
    line("next-inline-64-warm", part_of(v, rounds, 0.1), "ns", part_of(bare, rounds, 0.1));
    close_in();
    close_out();
}

/* A child that may make no system call but to write and to end: one more and the kernel kills it. */
static void system_calls(void) {
    shape s = {64, 48, 0, TELEM_SHM_SPIN, 0, 0, 65, 200};
    pid_t child;
    int status = 0;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        telem_shm_attach_desc a = TELEM_ZERO;
        telem_shm_frame f;
        uint64_t i, n = 0;
        me = 2;
        open_out(&s);
        a.name = name_of(me);
        must(telem_shm_attach(&in, &a), "telem_shm_attach");
        must(telem_shm_reader_init(&rd, &in, NULL), "telem_shm_reader_init");
        if (prctl(PR_SET_SECCOMP, 1) != 0) _exit(2);
        for (i = 0; i < 1000000; i++) {
            if (telem_shm_publish(&w, 1, (int64_t)i, own[0], i % 3 ? 40 : 200) != TELEM_OK) break;
            while (telem_shm_next(&rd, &f) == TELEM_OK) n++;
        }
        (void)syscall(SYS_exit, i == 1000000 && n == i ? 0 : 3);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        printf("shm.no-waiter-system-calls SKIPPED (no seccomp)\n");
    else if (status != 0) fail("a million frames without a system call");
    else line("no-waiter-system-calls-per-million-frames", 0, "calls", 0);
    (void)telem_shm_collect(NULL, "bench-shm-*");
}

static void overhead(void) {
    telem_shm_desc d = TELEM_ZERO;
    uint64_t data = 0, control = 0;
    d.frames = 64;
    must(telem_shm_bytes(&d, &data, &control), "telem_shm_bytes");
    line("fixed-overhead-64-inline-frames", (double)(data + control), "B", 4096.0 + 64 * 64);
    d.frames = 1024, d.payload = 4096, d.classes[0].bytes = 4096, d.classes[0].count = 1024;
    must(telem_shm_bytes(&d, &data, &control), "telem_shm_bytes");
    line("fixed-overhead-1024-slots", (double)(data + control - 4096u * 1024u), "B", 4096.0 + 64 * 1024);
}

/* ---- the run ---- */

#define COMMAND_END 1000u
static int wanted(const char *name) {
    const char *only = getenv("BENCH_ONLY");
    return !only || strstr(name, only) != NULL;
}
static int do_command(uint32_t c) {
    if (c < (uint32_t)WAYS) return way_run(&ways[c]);
    if (c < (uint32_t)WAYS + STREAMS) return stream_run((stream_kind)(c - (uint32_t)WAYS));
    wake_run(c == (uint32_t)WAYS + STREAMS ? "wake-futex" : "wake-socket", c != (uint32_t)WAYS + STREAMS);
    return 1;
}
static void command(uint32_t c) {
    __atomic_store_n(&common->command, c, __ATOMIC_RELEASE);
    meet();
}
static void both(const char *name, uint32_t c) {
    int tries = 5, done = 0;
    if (!wanted(name)) return;
    while (!done && tries--) {
        command(c);
        done = do_command(c);
    }
    if (!done) printf("shm.%s DROPPED (the processors kept changing their places)\n", name);
}
static int second(void) {
    for (;;) {
        meet();
        if (common->command == COMMAND_END) return 0;
        (void)do_command(common->command);
    }
}

static void print_file(const char *label, const char *format, int a, int b) {
    char path[128], text[128];
    FILE *f;
    sprintf(path, format, a, b);
    f = fopen(path, "r");
    if (!f) return;
    if (fgets(text, sizeof text, f)) {
        text[strcspn(text, "\n")] = 0;
        printf("%s%s", label, text);
    }
    (void)fclose(f);
}
static void machine(void) {
    int i;
    printf("shm: processors %d and %d; core", cpu[0], cpu[1]);
    print_file(" ", "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu[0], 0);
    for (i = 0; i < 5; i++) {
        print_file("; level ", "/sys/devices/system/cpu/cpu%d/cache/index%d/level", cpu[0], i);
        print_file(" ", "/sys/devices/system/cpu/cpu%d/cache/index%d/size", cpu[0], i);
        print_file(" shared by ", "/sys/devices/system/cpu/cpu%d/cache/index%d/shared_cpu_list", cpu[0], i);
    }
    printf("\n");
}
static void calibrate(void) {
    uint64_t t = now_ns(), c = stamp();
    while (now_ns() - t < 20000000u) {}
    tick = (double)(now_ns() - t) / (double)(stamp() - c);
}

static void run_all(void) {
    static const shape inline64 = {64, 112, 0, 0, 0, 0, 0, 0}, slot64 = {64, 48, 0, 0, 0, 0, 65, 64};
    int i;
    machine();
    if (wanted("publish")) publish_run("inline", &inline64), publish_run("slot", &slot64);
    if (wanted("next-inline-64-warm")) read_run();
    if (wanted("system-calls")) system_calls();
    if (wanted("overhead")) overhead();
    for (i = 0; i < WAYS; i++) both(ways[i].name, (uint32_t)i);
    for (i = 0; i < STREAMS; i++) both(stream_name[i], (uint32_t)(WAYS + i));
    both("wake-futex", (uint32_t)WAYS + STREAMS);
    both("wake-socket", (uint32_t)WAYS + STREAMS + 1u);
    command(COMMAND_END);
}

static int two_processors(void) {
    cpu_set_t set;
    int i, n = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
    for (i = 0; i < CPU_SETSIZE && n < 2; i++)
        if (CPU_ISSET((size_t)i, &set)) cpu[n++] = i;
    return n == 2;
}
static void make_wires(void) {
    int i, *v = wires;
    if (pipe(v) || pipe(v + 2) || socketpair(AF_UNIX, SOCK_STREAM, 0, v + 4)) fail("pipes");
    v[6] = eventfd(0, 0), v[7] = eventfd(0, 0);
    for (i = 0; i < 8; i++)
        if (fcntl(v[i], F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
    for (i = 0; i < 4; i++) (void)fcntl(v[i], 1031 /* F_SETPIPE_SZ */, 1 << 20);
}

int main(int argc, char **argv) {
    char text[12][12], *args[16] = {NULL};
    int fd, i, status = 0;
    pid_t child;
    if (getenv("BENCH_ROUNDS")) rounds = atoi(getenv("BENCH_ROUNDS"));
    if (rounds < 6 || rounds > MOST_ROUNDS) rounds = 60;
    me = argc == 12;
    if (me) {
        fd = atoi(argv[1]);
        for (i = 0; i < 8; i++) wires[i] = atoi(argv[2 + i]);
        for (i = 0; i < 2; i++) cpu[i] = atoi(argv[10 + i]);
    } else {
        if (!two_processors()) {
            printf("shm SKIPPED (one processor)\n");
            return 0;
        }
        fd = (int)syscall(SYS_memfd_create, "bench", 0);
        if (fd < 0 || ftruncate(fd, sizeof(board)) != 0) fail("memfd_create");
        make_wires();
    }
    common = (board *)mmap(NULL, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (common == MAP_FAILED) fail("mmap");
    memset(own, 1, sizeof own);
    pin(me);
    (void)setpriority(PRIO_PROCESS, 0, -20); /* where it may */
    if (me) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        return second();
    }
    calibrate();
    sprintf(text[0], "%d", fd);
    for (i = 0; i < 8; i++) sprintf(text[1 + i], "%d", wires[i]);
    for (i = 0; i < 2; i++) sprintf(text[9 + i], "%d", cpu[i]);
    args[0] = argv[0];
    for (i = 0; i < 11; i++) args[1 + i] = text[i];
    child = fork();
    if (child == 0) {
        execv("/proc/self/exe", args);
        _exit(127);
    }
    run_all();
    (void)waitpid(child, &status, 0);
    return status ? 1 : 0;
}
