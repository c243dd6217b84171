/* bench_ring.c - what telem_ring.h costs, beside what the machine needs at least. `make bench-ring`
   builds it twice: payloads as atomic words (word), and by memcpy (-DTELEM_RING_MEMCPY: memcpy).

     ring.<case>.<mode> <value> <unit> limit <value> ratio <x>

   The limit is measured in the same run, in turns with the case, on cache-warm memory:
     lane     plain load + memcpy of stamp and payload + two stores
     shared   fetch_add + an uncontended CAS + memcpy of stamp and payload + a release store
     clock    one bare clock read
     cross    the way of a cache line from core to core, measured before and after each case; a run
              in which it changed by more than a quarter is dropped
     stream   two threads that move the same bytes through a bare ring: plain load, memcpy, two stores
              and, on the other side, memcpy of all that is there
   reader   loads of head and payload, a store of how far it is
   A ratio is time per unit over the limit's time per unit, for throughput too. Values are the best
   tenth of many short rounds (two producers in the shared lane: the median). BENCH_MS=n: how long a
   case takes (default 300). BENCH_TORN=n: records of the torn case (default 20 million). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* pthread_setaffinity_np */
#endif
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef TELEM_RING_MEMCPY
#define MODE "memcpy"
#else
#define MODE "word"
#endif
#define NOINLINE __attribute__((noinline))
#define LANE 32768u /* bytes of ring in the cases of one thread: fits a first-level cache */

static double bench_ns = 300e6;
static int cpu[2], cpus;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static void pause_a_bit(void) {
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("pause");
#endif
}
static void fail(const char *what) {
    printf("ring: %s failed\n", what);
    exit(1);
}

static void line(const char *name, double value, const char *unit, double limit, double ratio) {
    printf("ring.%s.%s %.3g %s limit %.3g ratio %.2f\n", name, MODE, value, unit, limit, ratio);
    fflush(stdout);
}

/* ---- rounds in turns, the best tenth ---- */

#define ROUNDS 400
typedef double round_fn(void *arg); /* ns per unit of one round */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static double tenth(double *v, int n) {
    qsort(v, (size_t)n, sizeof *v, by_value);
    return v[n / 10];
}
static void measure(round_fn *a, void *a_arg, round_fn *b, void *b_arg, double *va, double *vb) {
    static double ra[ROUNDS], rb[ROUNDS];
    uint64_t until = now_ns() + (uint64_t)bench_ns;
    int n = 0;
    (void)a(a_arg), (void)b(b_arg);
    while (n < ROUNDS && (n < 20 || now_ns() < until)) {
        ra[n] = a(a_arg);
        rb[n] = b(b_arg);
        n++;
    }
    *va = tenth(ra, n);
    *vb = tenth(rb, n);
}
static double compare(const char *name, const char *unit, round_fn *f, void *arg, round_fn *limit,
                      void *limit_arg) {
    double v, l;
    measure(f, arg, limit, limit_arg, &v, &l);
    line(name, v, unit, l, v / l);
    return v;
}

/* ---- the limits ---- */

static uint64_t bare_memory[LANE / 8] __attribute__((aligned(64)));
static struct {
    uint64_t head;  /* the producer's own */
    char gap[56];
    uint64_t committed; /* what a reader would look at */
    char gap2[56];
} bare __attribute__((aligned(64)));
static uint64_t source[64] = {1, 2, 3};

#define N 4000u

#define BARE(SIZE) \
    static NOINLINE double bare_##SIZE(void *arg) { \
        uint64_t t = now_ns(); \
        uint32_t i; \
        (void)arg; \
        for (i = 0; i < N; i++) { \
            uint64_t head = __atomic_load_n(&bare.head, __ATOMIC_RELAXED), stamp = i; \
            char *to = (char *)bare_memory + (head & (LANE / 2u - 1u)); /* room behind: it never wraps */ \
            memcpy(to, &stamp, 8); \
            memcpy(to + 8, source, SIZE); \
            __atomic_store_n(&bare.head, head + 8 + SIZE, __ATOMIC_RELAXED); \
            __atomic_store_n(&bare.committed, head + 8 + SIZE, __ATOMIC_RELEASE); \
        } \
        return (double)(now_ns() - t) / N; \
    } \
    static NOINLINE double bare_many_##SIZE(void *arg) { \
        uint64_t t = now_ns(); \
        uint32_t i; \
        (void)arg; \
        for (i = 0; i < N; i++) { \
            uint64_t head = __atomic_fetch_add(&bare.head, 8 + SIZE, __ATOMIC_ACQ_REL), stamp = i, expect; \
            char *to = (char *)bare_memory + (head & (LANE / 2u - 1u)); \
            expect = __atomic_load_n(&bare.committed, __ATOMIC_RELAXED); \
            if (!__atomic_compare_exchange_n(&bare.committed, &expect, head, 0, __ATOMIC_ACQ_REL, \
                                             __ATOMIC_ACQUIRE)) exit(3); \
            memcpy(to, &stamp, 8); \
            memcpy(to + 8, source, SIZE); \
            __atomic_store_n(&bare.committed, head + 8 + SIZE, __ATOMIC_RELEASE); \
        } \
        return (double)(now_ns() - t) / N; \
    }
BARE(8)
BARE(32)
BARE(128)

static NOINLINE double bare_fetch_add(void *arg) {
    uint64_t t = now_ns();
    uint32_t i;
    (void)arg;
    for (i = 0; i < N; i++) (void)__atomic_fetch_add(&bare.head, 8, __ATOMIC_ACQ_REL);
    return (double)(now_ns() - t) / N;
}

/* ---- one thread ---- */

static uint64_t ring_memory[(LANE * 8u) / 8] __attribute__((aligned(64)));
static telem_clock tsc;
static int has_tsc;
static telem_ring *ring;
static telem_ring_writer writer;
static int64_t caller_time;

static void open_ring(uint32_t lanes, uint32_t shared, uint32_t bytes, void *memory, size_t size) {
    telem_ring_desc d = TELEM_ZERO;
    d.memory = memory, d.memory_size = size;
    d.lanes = lanes, d.lane_bytes = lanes ? bytes : 0;
    d.shared_bytes = shared ? bytes : 0;
    d.policy = TELEM_RING_OVERWRITE;
    if (has_tsc) d.clock = &tsc;
    if (telem_ring_init(&ring, &d) != TELEM_OK) fail("telem_ring_init");
    if (telem_ring_writer_init(&writer, ring, shared ? TELEM_RING_SHARED : 0) != TELEM_OK)
        fail("telem_ring_writer_init");
}

#define PUSH(NAME, SIZE, CALL) \
    static NOINLINE double NAME(void *arg) { \
        uint64_t t = now_ns(); \
        int64_t at = caller_time; \
        uint32_t i; \
        (void)arg; \
        for (i = 0; i < N; i++) (void)CALL(&writer, 3, at + i, source, SIZE); \
        t = now_ns() - t; \
        caller_time = at + N; \
        return (double)t / N; \
    }
PUSH(push_inline_8, 8, telem_ring_push_inline)
PUSH(push_inline_32, 32, telem_ring_push_inline)
PUSH(push_inline_128, 128, telem_ring_push_inline)
PUSH(push_8, 8, telem_ring_push)
PUSH(push_32, 32, telem_ring_push)
PUSH(push_128, 128, telem_ring_push)

struct row { uint64_t f[4]; };
static NOINLINE double fill_32(void *arg) {
    uint64_t t = now_ns();
    int64_t at = caller_time;
    uint32_t i;
    (void)arg;
    for (i = 0; i < N; i++) {
        telem_result res;
        TELEM_RING_FILL(res, &writer, 3, at + i, struct row, p, {
            p->f[0] = i;
            p->f[1] = 1;
            p->f[2] = 2;
            p->f[3] = 3;
        });
        if (res != TELEM_OK) exit(3);
    }
    t = now_ns() - t;
    caller_time = at + N;
    return (double)t / N;
}
/* the same by way of a struct on the stack */
static NOINLINE double local_32(void *arg) {
    uint64_t t = now_ns();
    int64_t at = caller_time;
    uint32_t i;
    (void)arg;
    for (i = 0; i < N; i++) {
        struct row r;
        r.f[0] = i, r.f[1] = 1, r.f[2] = 2, r.f[3] = 3;
        (void)telem_ring_push_inline(&writer, 3, at + i, &r, sizeof r);
    }
    t = now_ns() - t;
    caller_time = at + N;
    return (double)t / N;
}

static NOINLINE double batch_8(void *arg) { /* eight records a reservation */
    telem_ring_item it[8];
    uint64_t t = now_ns();
    int64_t at = caller_time;
    uint32_t i, k;
    (void)arg;
    for (k = 0; k < 8; k++) it[k].stream = 3, it[k].len = 8, it[k].data = source;
    for (i = 0; i < N; i += 8) {
        for (k = 0; k < 8; k++) it[k].time = at + i;
        if (telem_ring_push_batch(&writer, it, 8, NULL) != TELEM_OK) exit(3);
    }
    t = now_ns() - t;
    caller_time = at + N;
    return (double)t / N;
}

#if TELEM_HAS_TSC
static NOINLINE double bare_tsc(void *arg) {
    uint64_t t = now_ns(), sum = 0;
    uint32_t i;
    (void)arg;
    for (i = 0; i < N; i++) sum += telem_tsc();
    __asm__ volatile("" ::"r"(sum));
    return (double)(now_ns() - t) / N;
}
#define PUSH_TSC(SIZE) \
    static NOINLINE double push_tsc_##SIZE(void *arg) { \
        uint64_t t = now_ns(); \
        uint32_t i; \
        (void)arg; \
        for (i = 0; i < N; i++) (void)telem_ring_push_inline(&writer, 3, (int64_t)telem_tsc(), source, SIZE); \
        return (double)(now_ns() - t) / N; \
    } \
    static NOINLINE double push_now_##SIZE(void *arg) { \
        uint64_t t = now_ns(); \
        uint32_t i; \
        (void)arg; \
        for (i = 0; i < N; i++) (void)telem_ring_push(&writer, 3, TELEM_RING_NOW, source, SIZE); \
        return (double)(now_ns() - t) / N; \
    } \
    static NOINLINE double push_now_inline_##SIZE(void *arg) { \
        uint64_t t = now_ns(); \
        uint32_t i; \
        (void)arg; \
        for (i = 0; i < N; i++) (void)telem_ring_push_inline(&writer, 3, TELEM_RING_NOW, source, SIZE); \
        return (double)(now_ns() - t) / N; \
    }
PUSH_TSC(8)
PUSH_TSC(32)
static NOINLINE double push_tsc_per_8(void *arg) {
    uint64_t t = now_ns();
    uint32_t i, k;
    (void)arg;
    for (i = 0; i < N; i += 8) {
        int64_t at = (int64_t)telem_tsc();
        for (k = 0; k < 8; k++) (void)telem_ring_push_inline(&writer, 3, at, source, 8);
    }
    return (double)(now_ns() - t) / N;
}
static NOINLINE double bare_tsc_per_8(void *arg) {
    uint64_t t = now_ns();
    uint32_t i, k;
    (void)arg;
    for (i = 0; i < N; i += 8) {
        uint64_t at = telem_tsc();
        for (k = 0; k < 8; k++) {
            uint64_t head = __atomic_load_n(&bare.head, __ATOMIC_RELAXED);
            char *to = (char *)bare_memory + (head & (LANE / 2u - 1u));
            memcpy(to, &at, 8);
            memcpy(to + 8, source, 8);
            __atomic_store_n(&bare.head, head + 16, __ATOMIC_RELAXED);
            __atomic_store_n(&bare.committed, head + 16, __ATOMIC_RELEASE);
        }
    }
    return (double)(now_ns() - t) / N;
}
#endif

static void one_thread(void) {
    double solo;
    open_ring(1, 0, LANE, ring_memory, sizeof ring_memory);
    compare("lane-8", "ns", push_inline_8, NULL, bare_8, NULL);
    compare("lane-32", "ns", push_inline_32, NULL, bare_32, NULL);
    compare("lane-128", "ns", push_inline_128, NULL, bare_128, NULL);
    compare("lane-call-8", "ns", push_8, NULL, bare_8, NULL);
    compare("lane-call-32", "ns", push_32, NULL, bare_32, NULL);
    compare("lane-call-128", "ns", push_128, NULL, bare_128, NULL);
    compare("lane-fill-32", "ns", fill_32, NULL, bare_32, NULL);
    compare("lane-from-struct-32", "ns", local_32, NULL, bare_32, NULL);
    compare("lane-batch-of-8-8", "ns", batch_8, NULL, bare_8, NULL);
#if TELEM_HAS_TSC
    compare("lane-tsc-8", "ns", push_tsc_8, NULL, bare_tsc, NULL);
    compare("lane-tsc-32", "ns", push_tsc_32, NULL, bare_tsc, NULL);
    compare("lane-one-stamp-per-8-8", "ns", push_tsc_per_8, NULL, bare_tsc_per_8, NULL);
    if (has_tsc) {
        compare("lane-now-8", "ns", push_now_inline_8, NULL, bare_tsc, NULL);
        compare("lane-now-32", "ns", push_now_inline_32, NULL, bare_tsc, NULL);
        compare("lane-call-now-8", "ns", push_now_8, NULL, bare_tsc, NULL);
        compare("lane-call-now-32", "ns", push_now_32, NULL, bare_tsc, NULL);
    } else printf("ring.lane-now SKIPPED (the time stamp counter is not invariant)\n");
#endif
    open_ring(0, 1, LANE, ring_memory, sizeof ring_memory);
    solo = compare("shared-8", "ns", push_8, NULL, bare_many_8, NULL);
    compare("shared-32", "ns", push_32, NULL, bare_many_32, NULL);
    compare("shared-128", "ns", push_128, NULL, bare_many_128, NULL);
    compare("shared-8-to-fetch-add", "ns", push_8, NULL, bare_fetch_add, NULL);
    compare("shared-32-to-fetch-add", "ns", push_32, NULL, bare_fetch_add, NULL);
    (void)solo;
}

/* ---- the reader, one thread, warm ---- */

static telem_ring_reader reader;
static uint64_t reader_copy[LANE / 8] __attribute__((aligned(64)));
static uint64_t reader_sum;

static telem_ring_writer lane_writer[4];
static uint32_t fill_lanes, fill_run = 1; /* records in a row that go into one of so many lanes */
static void fill_lane(uint32_t size) {
    uint32_t i, n = (LANE - LANE / 8u) / (8u + size);
    for (i = 0; i < n; i++)
        (void)telem_ring_push(fill_lanes ? &lane_writer[i / fill_run % fill_lanes] : &writer, 3,
                              ++caller_time, source, size);
}
static NOINLINE double drain_peek(void *arg) {
    telem_ring_record rec;
    uint64_t t, sum = 0;
    uint32_t n = 0;
    fill_lane(*(uint32_t *)arg);
    t = now_ns();
    while (telem_ring_peek(&reader, &rec) == TELEM_OK) {
        sum += *(const unsigned char *)rec.data + rec.stream;
        n++;
        if (telem_ring_release(&reader) != TELEM_OK) exit(3);
    }
    t = now_ns() - t;
    reader_sum += sum;
    return (double)t / (n ? n : 1u);
}
static NOINLINE double drain_peek_inline(void *arg) {
    telem_ring_record rec;
    uint64_t t, sum = 0;
    uint32_t n = 0;
    fill_lane(*(uint32_t *)arg);
    t = now_ns();
    while (telem_ring_peek_inline(&reader, &rec) == TELEM_OK) {
        sum += *(const unsigned char *)rec.data + rec.stream;
        n++;
        if (telem_ring_release_inline(&reader) != TELEM_OK) exit(3);
    }
    t = now_ns() - t;
    reader_sum += sum;
    return (double)t / (n ? n : 1u);
}
static NOINLINE double drain_read(void *arg) {
    telem_ring_record rec;
    uint64_t t, buf[16];
    uint32_t n = 0;
    fill_lane(*(uint32_t *)arg);
    t = now_ns();
    while (telem_ring_read(&reader, &rec, buf, sizeof buf) == TELEM_OK) n++;
    t = now_ns() - t;
    return (double)t / (n ? n : 1u);
}
/* a bare walk: load a head, look at the payload, go on */
static NOINLINE double drain_bare(void *arg) {
    uint32_t size = *(uint32_t *)arg, i, n = (LANE - LANE / 8u) / (8u + size);
    uint64_t t, sum = 0, pos = 0;
    for (i = 0; i < n; i++)
        memcpy((char *)bare_memory + (uint64_t)i * (8u + size), &size, 4),
            ((char *)bare_memory)[(uint64_t)i * (8u + size) + 8u] = 1;
    t = now_ns();
    for (i = 0; i < n; i++) {
        uint32_t len;
        memcpy(&len, (char *)bare_memory + pos, 4);
        sum += ((unsigned char *)bare_memory)[pos + 8u];
        pos += 8u + len;
        __atomic_store_n(&bare.committed, pos, __ATOMIC_RELEASE);
    }
    t = now_ns() - t;
    reader_sum += sum;
    return (double)t / n;
}

static void one_reader(void) {
    static const uint32_t sizes[3] = {8, 32, 128};
    int gating, i;
    char name[64];
    for (gating = 1; gating >= 0; gating--) {
        telem_ring_desc d = TELEM_ZERO;
        telem_ring_reader_desc q = TELEM_ZERO;
        d.memory = ring_memory, d.memory_size = sizeof ring_memory, d.lanes = 1, d.lane_bytes = LANE;
        d.policy = TELEM_RING_REFUSE;
        q.gating = (uint8_t)gating;
        q.copy = reader_copy, q.copy_size = 16384;
        if (telem_ring_init(&ring, &d) != TELEM_OK || telem_ring_writer_init(&writer, ring, 0) != TELEM_OK)
            fail("init");
        if (telem_ring_reader_init(&reader, ring, &q) != TELEM_OK) fail("telem_ring_reader_init");
        for (i = 0; i < 3; i++) {
            uint32_t size = sizes[i];
            sprintf(name, "reader-%s-%u", gating ? "in-place" : "copying", (unsigned)size);
            compare(name, "ns", drain_peek_inline, &size, drain_bare, &size);
            sprintf(name, "reader-%s-call-%u", gating ? "in-place" : "copying", (unsigned)size);
            compare(name, "ns", drain_peek, &size, drain_bare, &size);
        }
        if (gating) continue;
        for (i = 0; i < 3; i++) {
            uint32_t size = sizes[i];
            sprintf(name, "reader-read-%u", (unsigned)size);
            compare(name, "ns", drain_read, &size, drain_bare, &size);
        }
    }
}

/* the same from the shared lane, and from four lanes whose stamps alternate with every record, or
   with every sixteenth */
static void merging_reader(void) {
    static const char *const names[3] = {"reader-shared-8", "reader-4-lanes-8", "reader-4-lanes-runs-8"};
    uint32_t kind, i, size = 8;
    for (kind = 0; kind < 3u; kind++) {
        telem_ring_desc d = TELEM_ZERO;
        telem_ring_reader_desc q = TELEM_ZERO;
        d.memory = ring_memory, d.memory_size = sizeof ring_memory, d.policy = TELEM_RING_REFUSE;
        if (kind) d.lanes = 4, d.lane_bytes = LANE / 2u;
        else d.shared_bytes = LANE;
        q.gating = 1;
        q.copy = reader_copy, q.copy_size = 16384;
        if (telem_ring_init(&ring, &d) != TELEM_OK) fail("init");
        for (i = 0; i < d.lanes; i++)
            if (telem_ring_writer_init(&lane_writer[i], ring, (int)i) != TELEM_OK)
                fail("telem_ring_writer_init");
        if (!kind && telem_ring_writer_init(&writer, ring, TELEM_RING_SHARED) != TELEM_OK)
            fail("telem_ring_writer_init");
        if (telem_ring_reader_init(&reader, ring, &q) != TELEM_OK) fail("telem_ring_reader_init");
        fill_lanes = d.lanes, fill_run = kind == 2u ? 16u : 1u;
        compare(names[kind], "ns", drain_peek_inline, &size, drain_bare, &size);
    }
    fill_lanes = 0;
}

/* ---- bytes ---- */

static void bytes_per_record(void) {
    static const uint32_t sizes[3] = {8, 32, 128};
    int lane, i;
    char name[64];
    for (lane = 0; lane >= -1; lane--) {
        open_ring(lane == 0, lane != 0, LANE, ring_memory, sizeof ring_memory);
        for (i = 0; i < 3; i++) {
            telem_ring_counts before, after;
            uint32_t k;
            (void)telem_ring_stats(ring, &before);
            for (k = 0; k < 1000; k++) (void)telem_ring_push(&writer, 3, k, source, sizes[i]);
            (void)telem_ring_stats(ring, &after);
            sprintf(name, "bytes-%s-%u", lane ? "shared" : "lane", (unsigned)sizes[i]);
            line(name, (double)(after.bytes - before.bytes) / 1000, "B", sizes[i] + 8.0,
                 (double)(after.bytes - before.bytes) / 1000 / (sizes[i] + 8.0));
        }
    }
}

/* ---- single calls ---- */

#if TELEM_HAS_TSC
#define CALLS 200000
static uint32_t took[CALLS], took_limit[CALLS];
static int by_u32(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}
static uint64_t tsc_ordered(void) {
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("lfence" ::: "memory");
#endif
    return telem_tsc();
}
static double empty_call; /* ns of two clock reads around nothing */
static NOINLINE void single_calls(const char *kind, int shared) {
    static const double at[3] = {0.5, 0.99, 0.999};
    static const char *const names[3] = {"p50", "p99", "p99.9"};
    double tick = 1e9 / (double)tsc.hz_num;
    char name[64];
    int i;
    for (i = 0; i < CALLS; i++) {
        uint64_t t = tsc_ordered(), head;
        if (shared) (void)telem_ring_push(&writer, 3, caller_time + i, source, 8);
        else (void)telem_ring_push_inline(&writer, 3, caller_time + i, source, 8);
        took[i] = (uint32_t)(tsc_ordered() - t);
        t = tsc_ordered();
        head = __atomic_load_n(&bare.head, __ATOMIC_RELAXED);
        memcpy((char *)bare_memory + (head & (LANE / 2u - 1u)), &t, 8);
        memcpy((char *)bare_memory + (head & (LANE / 2u - 1u)) + 8, source, 8);
        if (shared) {
            uint64_t expect = __atomic_fetch_add(&bare.head, 16, __ATOMIC_ACQ_REL) + 16;
            (void)__atomic_compare_exchange_n(&bare.head, &expect, expect, 0, __ATOMIC_ACQ_REL,
                                              __ATOMIC_ACQUIRE);
        } else __atomic_store_n(&bare.head, head + 16, __ATOMIC_RELAXED);
        __atomic_store_n(&bare.committed, head + 16, __ATOMIC_RELEASE);
        took_limit[i] = (uint32_t)(tsc_ordered() - t);
    }
    caller_time += CALLS;
    qsort(took, CALLS, sizeof *took, by_u32);
    qsort(took_limit, CALLS, sizeof *took_limit, by_u32);
    for (i = 0; i < 3; i++) {
        double v = took[(int)(at[i] * CALLS)] * tick, l = took_limit[(int)(at[i] * CALLS)] * tick;
        sprintf(name, "%s-8-call-%s", kind, names[i]);
        line(name, v, "ns", l, v / l);
    }
}
static void all_single_calls(void) {
    int i;
    if (!has_tsc) {
        printf("ring.call-p50 SKIPPED (the time stamp counter is not invariant)\n");
        return;
    }
    for (i = 0; i < CALLS; i++) {
        uint64_t t = tsc_ordered();
        took[i] = (uint32_t)(tsc_ordered() - t);
    }
    qsort(took, CALLS, sizeof *took, by_u32);
    empty_call = took[CALLS / 2] * 1e9 / (double)tsc.hz_num;
    printf("ring: single calls lie between two ordered clock reads, which take %.1f ns themselves (p50)\n",
           empty_call);
    open_ring(1, 0, LANE, ring_memory, sizeof ring_memory);
    single_calls("lane", 0);
    open_ring(0, 1, LANE, ring_memory, sizeof ring_memory);
    single_calls("shared", 1);
}
#endif

/* ---- two threads ---- */

static void pin(int which) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu[which], &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static uint32_t gate_count, gate_round;
static void meet(void) { /* both threads start together */
    uint32_t round = __atomic_load_n(&gate_round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&gate_count, 1, __ATOMIC_ACQ_REL) == 2) {
        __atomic_store_n(&gate_count, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&gate_round, round + 1, __ATOMIC_RELEASE);
        return;
    }
    while (__atomic_load_n(&gate_round, __ATOMIC_ACQUIRE) == round) pause_a_bit();
}

typedef void *thread_fn(void *);
static void both(thread_fn *other, thread_fn *mine, void *arg) {
    pthread_t t;
    if (pthread_create(&t, NULL, other, arg) != 0) fail("pthread_create");
    pin(0);
    (void)mine(arg);
    pthread_join(t, NULL);
}

/* one cache line, to and fro: ns one way */
static uint64_t ball __attribute__((aligned(64)));
#define THROWS 20000u
static double one_way;
static void *catch_ball(void *arg) {
    uint64_t i;
    (void)arg;
    pin(1);
    meet();
    for (i = 0; i < THROWS; i++) {
        while (__atomic_load_n(&ball, __ATOMIC_ACQUIRE) != 2 * i + 1) {}
        __atomic_store_n(&ball, 2 * i + 2, __ATOMIC_RELEASE);
    }
    return NULL;
}
static void *throw_ball(void *arg) {
    uint64_t i, t = 0, best = ~(uint64_t)0;
    (void)arg;
    meet();
    for (i = 0; i < THROWS; i++) {
        if (i % 1000u == 0) t = now_ns();
        __atomic_store_n(&ball, 2 * i + 1, __ATOMIC_RELEASE);
        while (__atomic_load_n(&ball, __ATOMIC_ACQUIRE) != 2 * i + 2) {}
        if (i % 1000u == 999u && now_ns() - t < best) best = now_ns() - t;
    }
    one_way = (double)best / 2000.0;
    return NULL;
}
static double line_way(void) {
    ball = 0;
    both(catch_ball, throw_ball, NULL);
    return one_way;
}
/* Runs a case of two threads until the way was the same before and after; ns of the way, 0: never. */
static double steady(void (*run)(void)) {
    int i;
    for (i = 0; i < 6; i++) {
        double before = line_way(), after;
        run();
        after = line_way();
        if (after < before * 1.25 && before < after * 1.25) return (before + after) / 2;
        printf("ring: the way of a line changed from %.0f to %.0f ns: that run is dropped\n", before, after);
    }
    return 0;
}

/* -- two producers -- */

#define PAIR 20000u
#define PAIR_ROUNDS 60
static int pair_lanes; /* 1: a lane each; 0: both in the shared lane */
static double pair_value, pair_p999;
static uint64_t pair_memory[4 * LANE / 8 + 1024] __attribute__((aligned(64)));
static NOINLINE uint64_t pair_burst(telem_ring_writer *w) {
    uint64_t t = now_ns();
    uint32_t i;
    if (pair_lanes) for (i = 0; i < PAIR; i++) (void)telem_ring_push_inline(w, 3, i, source, 8);
    else for (i = 0; i < PAIR; i++) (void)telem_ring_push(w, 3, i, source, 8);
    return now_ns() - t;
}
#if TELEM_HAS_TSC
static NOINLINE double pair_slowest(telem_ring_writer *w) {
    int i;
    for (i = 0; i < CALLS; i++) {
        uint64_t t = tsc_ordered();
        if (pair_lanes) (void)telem_ring_push_inline(w, 3, i, source, 8);
        else (void)telem_ring_push(w, 3, i, source, 8);
        took[i] = (uint32_t)(tsc_ordered() - t);
    }
    qsort(took, CALLS, sizeof *took, by_u32);
    return took[CALLS / 1000 * 999] * 1e9 / (double)tsc.hz_num;
}
#endif
static double pair_best[PAIR_ROUNDS];
static void *pair_other(void *arg) {
    telem_ring_writer w;
    int i;
    (void)arg;
    pin(1);
    if (telem_ring_writer_init(&w, ring, pair_lanes ? 1 : TELEM_RING_SHARED) != TELEM_OK) fail("writer");
    for (i = 0; i < PAIR_ROUNDS; i++) {
        meet();
        (void)pair_burst(&w);
        meet();
    }
    meet();
    while (!__atomic_load_n(&ball, __ATOMIC_ACQUIRE)) (void)pair_burst(&w);
    return NULL;
}
static void *pair_mine(void *arg) {
    int i;
    (void)arg;
    for (i = 0; i < PAIR_ROUNDS; i++) {
        uint64_t t, own;
        meet();
        t = now_ns();
        own = pair_burst(&writer);
        meet();
        t = now_ns() - t;
        pair_best[i] =
            pair_lanes ? (double)own / PAIR : (double)t / (2 * PAIR); /* shared: per record of both */
    }
    pair_value = tenth(pair_best, PAIR_ROUNDS);
    if (!pair_lanes) pair_value = pair_best[PAIR_ROUNDS / 2]; /* the best may have had the machine alone */
    ball = 0;
    meet();
#if TELEM_HAS_TSC
    if (has_tsc) pair_p999 = pair_slowest(&writer);
#endif
    __atomic_store_n(&ball, 1, __ATOMIC_RELEASE);
    return NULL;
}
static void pair_run(void) {
    open_ring(pair_lanes ? 2 : 0, !pair_lanes, LANE, pair_memory, sizeof pair_memory);
    both(pair_other, pair_mine, NULL);
}
static void two_producers(void) {
    double solo, bare_solo, way;
    pair_lanes = 1;
    open_ring(1, 0, LANE, ring_memory, sizeof ring_memory);
    pin(0);
    way = steady(pair_run);
    open_ring(1, 0, LANE, ring_memory, sizeof ring_memory);
    measure(push_inline_8, NULL, bare_8, NULL, &solo, &bare_solo);
    if (way == 0) printf("ring.lane-8-two-producers DROPPED\n");
    else {
        line("lane-8-two-producers", pair_value, "ns", solo, pair_value / solo);
        if (has_tsc) line("lane-8-two-producers-p99.9", pair_p999, "ns", empty_call, pair_p999 / empty_call);
    }
    pair_lanes = 0;
    way = steady(pair_run);
    if (way == 0) printf("ring.shared-8-two-producers DROPPED\n");
    else {
        line("shared-8-two-producers", pair_value, "ns", way, pair_value / way);
        if (has_tsc) line("shared-8-two-producers-p99.9", pair_p999, "ns", way, pair_p999 / way);
    }
}

/* -- producer to reader -- */

#define STREAM_CHUNK 16384u
#define STREAM_LANE (1u << 18)
#define STREAM_N (WINDOW * WINDOWS)
/* Speed is taken over windows of many times what the ring holds, and the best tenth of these counts:
   other work on the machine stops one of the two threads now and then. */
#define WINDOW 262144u
#define WINDOWS 60u
static uint64_t stream_memory[(STREAM_LANE + 65536u) / 8 + 4096] __attribute__((aligned(4096)));
static uint64_t stream_copy[65536 / 8] __attribute__((aligned(4096)));
static struct {
    uint64_t got __attribute__((aligned(64)));
    int done __attribute__((aligned(64)));
} flow;
static uint32_t stream_size;
static double stream_value, stream_window[WINDOWS];
static uint64_t stream_lost, stream_got;

/* The pace of a producer that would outrun its reader: it looks, once in 1024 records, how
   far the reader is. */
#define PACED(NAME, PUSHES) \
    static NOINLINE void NAME(void) { \
        uint64_t ahead = (uint64_t)STREAM_LANE / 2u / (stream_size + 8u); \
        uint32_t i, k; \
        for (i = 0; i < STREAM_N; i += 1024u) { \
            while (i > __atomic_load_n(&flow.got, __ATOMIC_RELAXED) + ahead) pause_a_bit(); \
            for (k = 0; k < 1024u; k++) { PUSHES; } \
        } \
        __atomic_store_n(&flow.done, 1, __ATOMIC_RELEASE); \
    }
PACED(produce_8, (void)telem_ring_push_inline(&writer, 3, i + k, source, 8))
PACED(produce_32, (void)telem_ring_push_inline(&writer, 3, i + k, source, 32))
PACED(produce_128, (void)telem_ring_push_inline(&writer, 3, i + k, source, 128))
#define BARE_PUSH(SIZE) \
    uint64_t head = __atomic_load_n(&bare.head, __ATOMIC_RELAXED), stamp = i + k; \
    char *to = (char *)stream_memory + (head & (STREAM_LANE - 1u)); \
    memcpy(to, &stamp, 8); \
    memcpy(to + 8, source, SIZE); \
    __atomic_store_n(&bare.head, head + 8 + SIZE, __ATOMIC_RELAXED); \
    __atomic_store_n(&bare.committed, head + 8 + SIZE, __ATOMIC_RELEASE)
PACED(produce_bare_8, BARE_PUSH(8))
PACED(produce_bare_32, BARE_PUSH(32))
PACED(produce_bare_128, BARE_PUSH(128))

static void *stream_consume(void *arg) {
    telem_ring_record rec;
    telem_ring_reader_desc q = TELEM_ZERO;
    telem_ring_reader_counts counts;
    uint64_t n = 0, sum = 0, t;
    int done = 0, windows = 0;
    (void)arg;
    pin(1);
    q.copy = stream_copy, q.copy_size = STREAM_CHUNK;
    if (telem_ring_reader_init(&reader, ring, &q) != TELEM_OK) fail("telem_ring_reader_init");
    meet();
    t = now_ns();
    for (;;) {
        if (telem_ring_peek_inline(&reader, &rec) == TELEM_OK) {
            sum += *(const uint64_t *)rec.data;
            (void)telem_ring_release_inline(&reader);
            if (++n % 512u == 0) {
                __atomic_store_n(&flow.got, n + reader.lost, __ATOMIC_RELAXED);
                if (n % WINDOW == 0 && windows < (int)WINDOWS) {
                    uint64_t now = now_ns();
                    stream_window[windows++] = (double)(now - t) / WINDOW;
                    t = now;
                }
            }
            continue;
        }
        __atomic_store_n(&flow.got, n + reader.lost, __ATOMIC_RELAXED);
        if (done) break;
        done = __atomic_load_n(&flow.done, __ATOMIC_ACQUIRE);
        pause_a_bit();
    }
    (void)telem_ring_reader_stats(&reader, &counts);
    if (counts.delivered + counts.lost != STREAM_N) fail("the reader's account");
    stream_lost = counts.lost, stream_got = n;
    stream_value = windows ? tenth(stream_window, windows) : 1e9;
    reader_sum += sum;
    return NULL;
}
static void *stream_produce(void *arg) {
    (void)arg;
    meet();
    if (stream_size == 8) produce_8();
    else if (stream_size == 32) produce_32();
    else produce_128();
    return NULL;
}
static void *bare_consume(void *arg) {
    uint64_t pos = 0, t, size = 8u + stream_size, end = STREAM_N * size, next = WINDOW * size;
    int windows = 0;
    (void)arg;
    pin(1);
    meet();
    t = now_ns();
    while (pos < end) {
        uint64_t at = pos & (STREAM_LANE - 1u), n = __atomic_load_n(&bare.committed, __ATOMIC_ACQUIRE) - pos;
        if (n < 4096u && pos + n < end) { /* not for every little: each look costs the producer a line */
            pause_a_bit();
            continue;
        }
        if (n > STREAM_CHUNK) n = STREAM_CHUNK;
        if (n > STREAM_LANE - at) n = STREAM_LANE - at;
        memcpy(stream_copy, (char *)stream_memory + at, n);
        pos += n;
        __atomic_store_n(&flow.got, pos / size, __ATOMIC_RELAXED);
        if (pos >= next && windows < (int)WINDOWS) {
            uint64_t now = now_ns();
            stream_window[windows++] = (double)(now - t) / WINDOW;
            t = now;
            next += WINDOW * size;
        }
    }
    stream_value = tenth(stream_window, windows);
    return NULL;
}
static void *bare_produce(void *arg) {
    (void)arg;
    meet();
    if (stream_size == 8) produce_bare_8();
    else if (stream_size == 32) produce_bare_32();
    else produce_bare_128();
    return NULL;
}
static double stream_bare_best, stream_best;
static uint64_t stream_best_lost;
static void stream_run(void) {
    int i;
    stream_best = stream_bare_best = 1e9;
    for (i = 0; i < 2; i++) {
        flow.got = 0, flow.done = 0;
        open_ring(1, 0, STREAM_LANE, stream_memory, sizeof stream_memory);
        both(stream_consume, stream_produce, NULL);
        if (stream_value < stream_best && stream_lost * 100u <= STREAM_N)
            stream_best = stream_value, stream_best_lost = stream_lost;
        flow.got = 0, flow.done = 0;
        bare.head = bare.committed = 0;
        both(bare_consume, bare_produce, NULL);
        if (stream_value < stream_bare_best) stream_bare_best = stream_value;
    }
}
static void streams(void) {
    static const uint32_t sizes[3] = {8, 32, 128};
    char name[64];
    int i;
    for (i = 0; i < 3; i++) {
        stream_size = sizes[i];
        sprintf(name, "stream-%u", (unsigned)sizes[i]);
        if (steady(stream_run) == 0 || stream_best > 1e8) {
            printf("ring.%s.%s DROPPED\n", name, MODE);
            continue;
        }
        line(name, 1e3 / stream_best, "M/s", 1e3 / stream_bare_best, stream_best / stream_bare_best);
        printf("ring: of these %.2f %% were lost\n", (double)stream_best_lost * 100.0 / STREAM_N);
    }
}

/* ---- torn records: an interrupt laps a writer in the middle of its copy, a reader looks on ---- */

static uint64_t torn_bad, torn_seen;
static void *torn_consume(void *arg) {
    telem_ring_reader_desc q = TELEM_ZERO;
    telem_ring_record rec;
    int done = 0;
    (void)arg;
    if (cpus > 1) pin(1);
    q.copy = stream_copy, q.copy_size = sizeof stream_copy;
    if (telem_ring_reader_init(&reader, ring, &q) != TELEM_OK) fail("telem_ring_reader_init");
    meet();
    for (;;) {
        telem_result res = telem_ring_peek(&reader, &rec);
        if (res == TELEM_OK) {
            const uint64_t *p = (const uint64_t *)rec.data;
            if (rec.len != 32 || p[0] != (uint64_t)rec.time || p[1] != ~p[0] || p[2] != p[0] * 3u ||
                p[3] != p[0])
                torn_bad++;
            torn_seen++;
            (void)telem_ring_release(&reader);
        } else if (res == TELEM_EMPTY) {
            if (done) break;
            done = __atomic_load_n(&flow.done, __ATOMIC_ACQUIRE);
        }
    }
    return NULL;
}
static uint64_t torn_total = 20000000u, torn_pushed;
static void torn_push(uint64_t n) {
    uint64_t rec[4];
    rec[0] = n, rec[1] = ~n, rec[2] = n * 3u, rec[3] = n;
    if (telem_ring_push(&writer, 1, (int64_t)n, rec, sizeof rec) == TELEM_OK) torn_pushed++;
}
static void *torn_produce(void *arg) {
    uint64_t n = 0;
    (void)arg;
    meet();
    while (n < torn_total) {
        telem_ring_span s;
        uint64_t own = n++, rec[4];
        uint32_t i;
        rec[0] = own, rec[1] = ~own, rec[2] = own * 3u, rec[3] = own;
        if (telem_ring_begin(&writer, 1, (int64_t)own, sizeof rec, &s) != TELEM_OK) continue;
        (void)telem_ring_span_write(&writer, &s, 0, rec, 16);
        for (i = 0; i < 100; i++) torn_push(n++); /* the interrupt: more than the ring holds */
        (void)telem_ring_span_write(&writer, &s, 16, rec + 2, 16);
        if (telem_ring_commit(&writer, &s) == TELEM_OK) torn_pushed++;
        for (i = 0; i < 10; i++) torn_push(n++);
    }
    __atomic_store_n(&flow.done, 1, __ATOMIC_RELEASE);
    return NULL;
}
static void torn(void) {
    flow.done = 0;
    torn_bad = torn_seen = torn_pushed = 0;
    open_ring(0, 1, 2048, ring_memory, sizeof ring_memory);
    both(torn_consume, torn_produce, NULL);
    line("torn-accepted", (double)torn_bad, "records", 0, 0);
    printf("ring: of %llu records, %llu committed, %llu of these seen by the reader\n",
           (unsigned long long)torn_total, (unsigned long long)torn_pushed, (unsigned long long)torn_seen);
    if (torn_bad) exit(1);
}

/* ---- peers ---- */

static void peers(void);
#ifdef BENCH_CK
#include <ck_ring.h>
static ck_ring_t ck_of_spsc, ck_of_mpmc;
static ck_ring_buffer_t ck_buffer[4096];
#define CK(NAME, KIND) \
    static NOINLINE double NAME(void *arg) { \
        uint64_t t = now_ns(); \
        uint32_t i; \
        void *out; \
        (void)arg; \
        for (i = 0; i < N / 2u; i++) if (!ck_ring_enqueue_##KIND(&ck_of_##KIND, ck_buffer, source)) exit(3); \
        t = now_ns() - t; \
        while (ck_ring_dequeue_##KIND(&ck_of_##KIND, ck_buffer, &out)) {} \
        return (double)t / (N / 2u); \
    }
CK(ck_spsc, spsc)
CK(ck_mpmc, mpmc)
#endif
#ifdef BENCH_URCU
#include <urcu/wfcqueue.h>
static struct cds_wfcq_head urcu_head;
static struct cds_wfcq_tail urcu_tail;
static struct cds_wfcq_node urcu_nodes[N];
static NOINLINE double urcu_enqueue(void *arg) {
    uint64_t t;
    uint32_t i;
    (void)arg;
    cds_wfcq_init(&urcu_head, &urcu_tail);
    t = now_ns();
    for (i = 0; i < N; i++) {
        cds_wfcq_node_init(&urcu_nodes[i]);
        (void)cds_wfcq_enqueue(&urcu_head, &urcu_tail, &urcu_nodes[i]);
    }
    return (double)(now_ns() - t) / N;
}
#endif
static void peers(void) {
#ifdef BENCH_CK
    ck_ring_init(&ck_of_spsc, 4096);
    ck_ring_init(&ck_of_mpmc, 4096);
    compare("peer-ck-spsc-pointer", "ns", ck_spsc, NULL, bare_8, NULL);
    compare("peer-ck-mpmc-pointer", "ns", ck_mpmc, NULL, bare_many_8, NULL);
#else
    printf("ring.peer-ck SKIPPED (install package libck-dev)\n");
#endif
#ifdef BENCH_URCU
    compare("peer-urcu-wfcqueue-pointer", "ns", urcu_enqueue, NULL, bare_many_8, NULL);
#else
    printf("ring.peer-urcu SKIPPED (install package liburcu-dev)\n");
#endif
    printf("ring.peer-lttng-ust SKIPPED (it takes a session daemon, which this does not start)\n");
}

/* ---- where ---- */

static void text_of(char *to, size_t n, int c, const char *what) {
    char path[128];
    FILE *f;
    sprintf(path, "/sys/devices/system/cpu/cpu%d/%s", c, what);
    to[0] = 0;
    f = fopen(path, "r");
    if (!f) return;
    if (fgets(to, (int)n, f)) to[strcspn(to, "\n")] = 0;
    fclose(f);
}
static void say_where(void) {
    cpu_set_t set;
    int i;
    CPU_ZERO(&set);
    (void)sched_getaffinity(0, sizeof set, &set);
    for (i = 0; i < CPU_SETSIZE && cpus < 2; i++)
        if (CPU_ISSET((size_t)i, &set)) cpu[cpus++] = i;
    printf("ring: mode %s, one thread on cpu %d", MODE, cpu[0]);
    if (cpus == 2) {
        char a[64], b[64];
        text_of(a, sizeof a, cpu[0], "topology/thread_siblings_list");
        text_of(b, sizeof b, cpu[1], "topology/thread_siblings_list");
        printf(", two on cpus %d and %d (%s core", cpu[0], cpu[1],
               a[0] && strcmp(a, b) == 0 ? "the same" : "not the same");
        for (i = 0; i < 6; i++) {
            char path[64], level[8], type[32];
            sprintf(path, "cache/index%d/level", i), text_of(level, sizeof level, cpu[0], path);
            sprintf(path, "cache/index%d/type", i), text_of(type, sizeof type, cpu[0], path);
            sprintf(path, "cache/index%d/shared_cpu_list", i), text_of(a, sizeof a, cpu[0], path),
                text_of(b, sizeof b, cpu[1], path);
            if (!level[0] || strcmp(type, "Instruction") == 0) continue;
            printf(", L%s %s", level, strcmp(a, b) == 0 ? "shared" : "apart");
        }
        printf(", says /sys), a line takes %.0f ns one way", line_way());
    }
    printf("\n");
}

int main(void) {
    if (getenv("BENCH_MS")) bench_ns = atof(getenv("BENCH_MS")) * 1e6;
    if (getenv("BENCH_TORN")) torn_total = (uint64_t)atof(getenv("BENCH_TORN"));
#if TELEM_HAS_TSC
    has_tsc = telem_clock_tsc(&tsc, NULL, 50) == TELEM_OK;
#endif
    say_where();
    pin(0);
    one_thread();
    one_reader();
    merging_reader();
    bytes_per_record();
#if TELEM_HAS_TSC
    all_single_calls();
#endif
    if (cpus == 2) {
        two_producers();
        streams();
    } else printf("ring.two-producers SKIPPED (one processor)\n");
    torn();
    peers();
    return reader_sum == 42;
}
