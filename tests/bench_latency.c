/* bench_latency.c - what writing one row costs, through the public row API and real files.
   `make bench-latency` builds and runs it. LATENCY_DIR=dir: the disk (build/), LATENCY_ONLY=text: cases with that
   in their name, LATENCY_SCALE=n: rows in hundredths (100), LATENCY_LEVELS="fast default", LATENCY_RT=1: in real
   time (SCHED_FIFO, where that is allowed), so that other programs are not measured; LATENCY_TICK=ns: from one row's
   time to the next one's (1,000,000: a block is full of age, not of bytes; 100,000: 10 kHz).

     latency.<rows>.<where>.<pace>.<level>[.journal] p50 n p99 n p99.9 n p99.99 n max n ns  rows/s n M  MB/s n  file n %
     latency.stalls ...        of a loop that only reads the clock, right before and behind: the longest gap in each
                               span as long as a row takes in the mean. What stands here a row cannot be below

   Each row is timed by itself: from before the call until behind it, a read of the clock included (the line
   `latency.clock` tells what that is). Rows per second are of a run of their own, without it, by the time of the
   calling thread's processor (helper: both threads', as a clock on the wall saw them). Rows: 8, 100 and 1,000
   float32 channels, mixed: 84 columns (20 f64, 30 f32, 10 i32, 8 u16, 8 u8, 8 bools). A tick is 1 ms; the rows
   of 4,096 ticks are made beforehand and come again and again. Of ten channels two are constant, one is held for
   200 rows, two are 12-bit counts times a scale, three are noisy sines, one has two decimals, one is noise.
   Syncs: none. Files are removed. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#define TELEM_IMPLEMENTATION
#include "telem_file.h"
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#define CYCLES 1
#else
#define CYCLES 0
#endif

#define PATTERN 4096u
#define BUCKETS (64u * 64u)

static const char *only;
static double ns_per_tick = 1;
static int64_t tick = 1000000;

static uint64_t nanoseconds(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t ticks(void) {
#if CYCLES
    return __rdtsc();
#else
    return nanoseconds(CLOCK_MONOTONIC);
#endif
}

static void die(const char *what) {
    printf("latency: %s\n", what);
    exit(1);
}

static void *get(size_t n) {
    void *p = NULL;
    if (posix_memalign(&p, 64, n ? n : 64)) die("out of memory");
    memset(p, 0, n);
    return p;
}

/* ---- how long rows took: a histogram with 64 steps to an octave ---- */

typedef struct spread {
    uint32_t *at; /* BUCKETS */
    uint64_t n, max;
} spread;

static inline void spread_add(spread *h, uint64_t t) {
    uint32_t top;
    if (t > h->max) h->max = t;
    h->n++;
    if (t < 64) {
        h->at[t]++;
        return;
    }
    top = 63u - (uint32_t)__builtin_clzll(t);
    h->at[(top - 5u) * 64u + (uint32_t)(t >> (top - 6u) & 63u)]++;
}

static double spread_at(const spread *h, double part) {
    uint64_t want = (uint64_t)((double)h->n * part), seen = 0;
    uint32_t i, top;
    for (i = 0; i < BUCKETS; i++) {
        seen += h->at[i];
        if (seen > want) break;
    }
    if (i < 64) return (double)i * ns_per_tick;
    top = i / 64u + 5u;
    return ((double)((uint64_t)1 << top) + (double)((uint64_t)(i % 64u) << (top - 6u))) * ns_per_tick;
}

static void spread_print(const spread *h) {
    printf(" p50 %.0f p99 %.0f p99.9 %.0f p99.99 %.0f max %.0f ns", spread_at(h, 0.5), spread_at(h, 0.99), spread_at(h, 0.999),
           spread_at(h, 0.9999), (double)h->max * ns_per_tick);
}

/* Gaps of a loop that only reads the clock, for about `t` nanoseconds: the longest in each `span`. A stall of the
   machine hits one row in as many as it hits spans. */
static void stalls(spread *h, uint64_t t, double span) {
    uint64_t last = ticks(), end = last + (uint64_t)((double)t / ns_per_tick), now = last;
    while (now < end) {
        uint64_t until = last + (uint64_t)(span / ns_per_tick), most = 0;
        do {
            now = ticks();
            if (now - last > most) most = now - last;
            last = now;
        } while (now < until);
        spread_add(h, most);
    }
}

/* ---- rows ---- */

typedef struct mixed {
    double d[20];
    float f[30];
    int32_t i[10];
    uint16_t h[8];
    uint8_t b[8];
    uint8_t yes[8];
} mixed;

typedef struct kind {
    const char *name;
    uint32_t channels; /* float32; 0: mixed */
    uint32_t rows;
    size_t size;
    uint8_t *pattern;
    const telem_schema *schema;
    uint8_t memory[16384];
} kind;

static uint64_t seed = 1;
static double noise(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 40) / 16777216.0 - 0.5;
}

static double channel(uint32_t c, uint32_t row) {
    double t = row * 0.001 * (1 + c % 7);
    switch (c % 10) {
    case 0: case 5: return c;
    case 1: return floor(row / 200.0) * 0.5 + c;
    case 2: case 6: return floor(2048 + 1800 * sin(t * 2) + 6 * noise()) * 0.00244140625;
    case 3: case 4: case 7: return 100 * sin(t) + noise() * 0.25;
    case 8: return floor((20 + 5 * sin(t) + noise()) * 100) / 100;
    default: return noise();
    }
}

static void add(telem_schema_builder *b, const char *name, uint8_t type, uint32_t count) {
    telem_field f = TELEM_ZERO;
    f.name = name;
    f.type = type;
    f.count = (uint16_t)count;
    if (telem_schema_builder_add(b, &f) != TELEM_OK) die("schema");
}

static void kind_make(kind *k) {
    telem_schema_builder b;
    uint32_t r, c;
    if (telem_schema_builder_init(&b, k->memory, sizeof k->memory, "row", NULL) != TELEM_OK) die("schema");
    if (k->channels) {
        add(&b, "f", TELEM_F32, k->channels);
    } else {
        add(&b, "d", TELEM_F64, 20);
        add(&b, "f", TELEM_F32, 30);
        add(&b, "i", TELEM_I32, 10);
        add(&b, "h", TELEM_U16, 8);
        add(&b, "b", TELEM_U8, 8);
        add(&b, "yes", TELEM_BOOL, 8);
    }
    if (telem_schema_builder_finish(&b, &k->schema) != TELEM_OK) die("schema");
    k->size = k->channels ? 4u * k->channels : sizeof(mixed);
    k->pattern = (uint8_t *)get(PATTERN * k->size);
    for (r = 0; r < PATTERN; r++) {
        uint8_t *row = k->pattern + r * k->size;
        if (k->channels) {
            for (c = 0; c < k->channels; c++) {
                float x = (float)channel(c, r);
                memcpy(row + 4u * c, &x, 4);
            }
        } else {
            mixed m;
            memset(&m, 0, sizeof m);
            for (c = 0; c < 20; c++) m.d[c] = channel(c, r);
            for (c = 0; c < 30; c++) m.f[c] = (float)channel(c, r);
            for (c = 0; c < 10; c++) m.i[c] = (int32_t)(1000 * channel(c, r));
            for (c = 0; c < 8; c++) m.h[c] = (uint16_t)(2048 + 1000 * sin(r * 0.002 * (c + 1)));
            for (c = 0; c < 8; c++) m.b[c] = (uint8_t)(c < 4 ? c : r / 500 + c);
            for (c = 0; c < 8; c++) m.yes[c] = (r / (300 + 40 * c)) & 1;
            memcpy(row, &m, sizeof m);
        }
    }
}

/* ---- one writer ---- */

typedef struct helper {
    telem_file_writer *w;
    uint32_t stop;
    uint64_t cpu;
} helper;

static void *helper_run(void *arg) {
    helper *h = (helper *)arg;
    while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE))
        if (telem_file_work(h->w) <= 0) sched_yield();
    h->cpu = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    return NULL;
}

typedef struct result {
    spread rows, stalls;
    double seconds, wall;
    uint64_t bytes;
} result;

typedef struct way {
    const char *where, *pace, *level, *dir;
    int journal;
} way;

/* `timed`: each row by itself. */
static void run(const kind *k, const way *v, uint32_t rows, int timed, result *r) {
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    telem_file_writer w;
    telem_io io;
    helper h;
    pthread_t thread;
    char path[512];
    uint64_t cpu, wall;
    uint32_t i;
    int fd, helped = strcmp(v->pace, "helper") == 0;
    snprintf(path, sizeof path, "%s/bench-latency-%ld.telem", v->dir, (long)getpid());
    fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
    if (fd < 0) die(path);
    io = telem_io_fd(fd);
    io.sync = NULL; /* none */
    d.io = &io;
    d.level = strcmp(v->level, "fast") == 0 ? TELEM_FILE_FAST : TELEM_FILE_DEFAULT;
    d.pace = helped ? TELEM_FILE_HELPER : strcmp(v->pace, "once") == 0 ? TELEM_FILE_AT_ONCE : TELEM_FILE_SPREAD;
    d.journal = (uint8_t)v->journal;
    s.id = 1;
    s.schema = k->schema;
    d.memory_size = telem_file_writer_bytes(&d) + telem_file_stream_bytes(&d, &s);
    d.memory = get(d.memory_size);
    if (telem_file_writer_open(&w, &d) != TELEM_OK || telem_file_add_stream(&w, &s) != TELEM_OK) die("open");
    if (v->journal && !telem_file_journals(&w)) die("no journal here");
    h.w = &w;
    h.stop = 0;
    h.cpu = 0;
    if (helped && pthread_create(&thread, NULL, helper_run, &h)) die("thread");
    wall = nanoseconds(CLOCK_MONOTONIC);
    cpu = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    if (timed) {
        for (i = 0; i < rows; i++) {
            const uint8_t *row = k->pattern + (i % PATTERN) * k->size;
            uint64_t from = ticks(), to;
            if (telem_file_write(&w, 1, (int64_t)i * tick, row) != TELEM_OK) die("write");
            to = ticks();
            spread_add(&r->rows, to - from);
        }
    } else {
        for (i = 0; i < rows; i++)
            if (telem_file_write(&w, 1, (int64_t)i * tick, k->pattern + (i % PATTERN) * k->size) != TELEM_OK) die("write");
    }
    if (!helped && telem_file_writer_flush(&w) != TELEM_OK) die("flush");
    r->seconds = (double)(nanoseconds(CLOCK_THREAD_CPUTIME_ID) - cpu) * 1e-9;
    r->wall = (double)(nanoseconds(CLOCK_MONOTONIC) - wall) * 1e-9;
    if (helped) {
        __atomic_store_n(&h.stop, 1, __ATOMIC_RELEASE);
        pthread_join(thread, NULL);
    }
    if (telem_file_writer_close(&w) != TELEM_OK) die("close");
    r->bytes = telem_file_writer_get_stats(&w).bytes;
    if (telem_file_writer_get_stats(&w).rows != rows) die("rows");
    close(fd);
    unlink(path);
    free(d.memory);
}

static void one(const kind *k, const way *v, uint32_t scale) {
    char name[128];
    result r, q;
    uint32_t rows = (uint32_t)((uint64_t)k->rows * scale / 100u);
    double seconds;
    snprintf(name, sizeof name, "%s.%s.%s.%s%s", k->name, v->where, v->pace, v->level, v->journal ? ".journal" : "");
    if (only && !strstr(name, only)) return;
    memset(&r, 0, sizeof r);
    memset(&q, 0, sizeof q);
    r.rows.at = (uint32_t *)get(BUCKETS * sizeof(uint32_t));
    r.stalls.at = (uint32_t *)get(BUCKETS * sizeof(uint32_t));
    run(k, v, rows / 2u, 0, &q);
    stalls(&r.stalls, (uint64_t)(q.wall * 1e9), q.wall * 1e9 / (rows / 2u));
    run(k, v, rows, 1, &r);
    stalls(&r.stalls, (uint64_t)(q.wall * 1e9), q.wall * 1e9 / (rows / 2u));
    seconds = strcmp(v->pace, "helper") == 0 ? q.wall : q.seconds;
    printf("latency.%s", name);
    spread_print(&r.rows);
    printf("  rows/s %.3g M  MB/s %.0f  file %.1f %%\n", rows / 2u / seconds * 1e-6, (double)(rows / 2u) * (double)k->size / seconds * 1e-6,
           100.0 * (double)r.bytes / ((double)rows * (double)k->size));
    printf("latency.stalls      ");
    spread_print(&r.stalls);
    printf("\n");
    fflush(stdout);
    free(r.rows.at);
    free(r.stalls.at);
}

static void calibrate(void) {
#if CYCLES
    uint64_t t = ticks(), n = nanoseconds(CLOCK_MONOTONIC), n2;
    do n2 = nanoseconds(CLOCK_MONOTONIC);
    while (n2 - n < 50000000u);
    ns_per_tick = (double)(n2 - n) / (double)(ticks() - t);
#endif
}

static void clock_cost(void) {
    spread h;
    uint32_t i;
    memset(&h, 0, sizeof h);
    h.at = (uint32_t *)get(BUCKETS * sizeof(uint32_t));
    for (i = 0; i < 100000; i++) {
        uint64_t from = ticks();
        spread_add(&h, ticks() - from);
    }
    printf("latency.clock p50 %.1f ns\n", spread_at(&h, 0.5));
    free(h.at);
}

/* Bytes that a stream takes in which nothing happens: 1,000 channels at 10 kHz, a minute of it. */
static void idle(const char *dir) {
    static kind k;
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    telem_file_writer w;
    telem_file_writer_stats before, after;
    telem_io io;
    char path[512];
    uint32_t i, seconds = 600;
    int fd;
    if (only && !strstr("idle", only)) return;
    k.channels = 1000;
    kind_make(&k);
    snprintf(path, sizeof path, "%s/bench-latency-idle-%ld.telem", dir, (long)getpid());
    fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
    if (fd < 0) die(path);
    io = telem_io_fd(fd);
    io.sync = NULL;
    d.io = &io;
    s.id = 1;
    s.schema = k.schema;
    d.memory_size = telem_file_writer_bytes(&d) + telem_file_stream_bytes(&d, &s);
    d.memory = get(d.memory_size);
    if (telem_file_writer_open(&w, &d) != TELEM_OK || telem_file_add_stream(&w, &s) != TELEM_OK) die("open");
    for (i = 0; i < 100000; i++) (void)telem_file_write(&w, 1, (int64_t)i * 100000, k.pattern);
    (void)telem_file_writer_flush(&w);
    before = telem_file_writer_get_stats(&w);
    for (; i < 100000 + seconds * 10000; i++) (void)telem_file_write(&w, 1, (int64_t)i * 100000, k.pattern);
    (void)telem_file_writer_flush(&w);
    after = telem_file_writer_get_stats(&w);
    printf("latency.idle 1000 channels at 10 kHz: %.1f bytes/s in %llu blocks of %u s; the ten seconds before, the first KEY block and schema in them: %llu bytes\n",
           (double)(after.bytes - before.bytes) / seconds, (unsigned long long)(after.blocks - before.blocks), seconds, (unsigned long long)before.bytes);
    (void)telem_file_writer_close(&w);
    close(fd);
    unlink(path);
    free(d.memory);
    free(k.pattern);
}

static void memory(const kind *k) {
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    s.id = 1;
    s.schema = k->schema;
    printf("latency.memory %s, zero desc: writer %.2f MB + stream %.2f MB\n", k->name, (double)telem_file_writer_bytes(&d) * 1e-6,
           (double)telem_file_stream_bytes(&d, &s) * 1e-6);
}

int main(void) {
    static kind kinds[4] = {{"8", 8, 6000000, 0, NULL, NULL, {0}}, {"100", 100, 1000000, 0, NULL, NULL, {0}},
                            {"1000", 1000, 120000, 0, NULL, NULL, {0}}, {"mixed", 0, 1000000, 0, NULL, NULL, {0}}};
    static const char *const paces[3] = {"spread", "once", "helper"}, *const levels[2] = {"fast", "default"};
    const char *disk = getenv("LATENCY_DIR") ? getenv("LATENCY_DIR") : ".", *scale = getenv("LATENCY_SCALE"), *level = getenv("LATENCY_LEVELS");
    way v;
    uint32_t i, where, pace, l;
    only = getenv("LATENCY_ONLY");
    if (getenv("LATENCY_TICK")) tick = atoll(getenv("LATENCY_TICK"));
    if (getenv("LATENCY_RT")) {
        struct sched_param fifo;
        memset(&fifo, 0, sizeof fifo);
        fifo.sched_priority = 40;
        if (sched_setscheduler(0, SCHED_FIFO, &fifo)) printf("latency: real time is not allowed here\n");
    }
    calibrate();
    clock_cost();
    for (i = 0; i < 4; i++) {
        kind_make(&kinds[i]);
        memory(&kinds[i]);
    }
    idle("/dev/shm");
    for (l = 0; l < 2; l++)
        for (i = 0; i < 4; i++)
            for (where = 0; where < 2; where++)
                for (pace = 0; pace < 6; pace++) {
                    if (level && !strstr(level, levels[l])) continue;
                    v.where = where ? "disk" : "tmpfs";
                    v.dir = where ? disk : "/dev/shm";
                    v.pace = paces[pace / 2u];
                    v.level = levels[l];
                    v.journal = (int)(pace & 1u);
                    one(&kinds[i], &v, scale ? (uint32_t)atoi(scale) : 100u);
                }
    return 0;
}
