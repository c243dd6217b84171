/* stress_ring.c - telem_ring.h under threads: random rings, 1..8 producers on lanes and the shared
   lane, 1..4 readers of all kinds. Each record proves itself, each reader's account must close.

     stress_ring [seconds [seed]]      default 60 seconds; the seed of each round is printed

   test_ring_threads.c includes this file for a slice of a few seconds. Build with -fsanitize=thread
   (clang) to have the memory ordering checked as well. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include "check.h"
#include <pthread.h>
#include <sched.h>

#define MOST_PRODUCERS 8
#define MOST_READERS 4
#define MOST_PAYLOAD 200

typedef struct producer {
    pthread_t thread;
    telem_ring *ring;
    int lane;
    uint32_t id;
    uint64_t seed;
    uint64_t ok, full, aborted, revoked_abort; /* what the calls answered */
} producer;

typedef struct consumer {
    pthread_t thread;
    telem_ring *ring;
    telem_ring_reader reader;
    uint64_t copy[(MOST_PAYLOAD + 64) / 8] __attribute__((aligned(8))); /* 4 on i386 otherwise */
    uint64_t seed, got, losses, last[MOST_PRODUCERS];
    int gating, dies, expelled;
} consumer;

static int stop_producers, stop_readers;
static uint64_t memory[1 << 16];

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* payload: producer, number, and bytes that follow from both */
static uint32_t compose(uint8_t *p, uint32_t id, uint64_t number) {
    uint32_t len = 12u + (uint32_t)(number * 2654435761u >> 7) % (MOST_PAYLOAD - 12u), i;
    telem_put32(p, id);
    telem_put64(p + 4, number);
    for (i = 12; i < len; i++) p[i] = (uint8_t)(number + i * (id + 1u));
    return len;
}

static int proves_itself(const telem_ring_record *rec, uint32_t *id, uint64_t *number) {
    uint8_t want[MOST_PAYLOAD + 8];
    if (rec->len < 12 || rec->len > MOST_PAYLOAD) return 0;
    *id = telem_get32(rec->data);
    *number = telem_get64((const uint8_t *)rec->data + 4);
    return *id < MOST_PRODUCERS && rec->stream == *id && (uint64_t)rec->time == *number &&
           compose(want, *id, *number) == rec->len && memcmp(want, rec->data, rec->len) == 0;
}

static void one_record(producer *p, telem_ring_writer *w, uint64_t number, uint64_t *rng) {
    uint8_t buf[MOST_PAYLOAD + 8];
    uint32_t len = compose(buf, p->id, number), how = (uint32_t)(check_rand(rng) % 64u);
    telem_ring_span span;
    telem_result res;
    if (how >= 8) {
        res = telem_ring_push(w, p->id, (int64_t)number, buf, len);
    } else {
        res = telem_ring_begin(w, p->id, (int64_t)number, len, &span);
        if (res == TELEM_OK) {
            telem_ring_span_write(w, &span, 0, buf, len / 2u);
            if (how == 0) sched_yield(); /* parked for a while */
            telem_ring_span_write(w, &span, len / 2u, buf + len / 2u, len - len / 2u);
            if (how < 2) {
                CHECK_OK(telem_ring_abort(w, &span));
                p->aborted++; /* or refused, when it was revoked: the sum is checked */
                return;
            }
            res = telem_ring_commit(w, &span);
        }
    }
    if (res == TELEM_OK) p->ok++;
    else if (res == TELEM_FULL) p->full++;
    else CHECK_OK(res);
}

static void *produce(void *arg) {
    producer *p = (producer *)arg;
    telem_ring_writer w;
    uint64_t number = 1, rng = p->seed;
    CHECK_OK(telem_ring_writer_init(&w, p->ring, p->lane));
    while (!__atomic_load_n(&stop_producers, __ATOMIC_RELAXED)) {
        uint32_t burst = (uint32_t)(check_rand(&rng) % 200u);
        while (burst-- > 0) one_record(p, &w, number++, &rng);
        if (check_rand(&rng) % 4u == 0) sched_yield();
        if (p->lane == TELEM_RING_CLAIM && check_rand(&rng) % 32u == 0) {
            CHECK_OK(telem_ring_writer_deinit(&w)); /* another thread may get this lane now */
            CHECK_OK(telem_ring_writer_init(&w, p->ring, TELEM_RING_CLAIM));
        }
    }
    CHECK_OK(telem_ring_writer_deinit(&w));
    return NULL;
}

static void check_record(consumer *c, const telem_ring_record *rec) {
    uint32_t id = 0;
    uint64_t number = 0;
    int good = proves_itself(rec, &id, &number);
    CHECK(good);
    if (!good) return;
    c->got++;
}

static telem_result one_read(consumer *c, uint64_t *rng) {
    telem_ring_record rec;
    uint64_t buf[(MOST_PAYLOAD + 64) / 8];
    telem_result res;
    if (c->dies || check_rand(rng) % 4u == 0) { /* peeked bytes of an expelled reader may race */
        res = telem_ring_read(&c->reader, &rec, buf, sizeof buf);
        if (res == TELEM_OK) check_record(c, &rec);
        return res;
    }
    res = telem_ring_peek(&c->reader, &rec);
    if (res != TELEM_OK) return res;
    {
        telem_ring_record saved = rec;
        telem_result done;
        uint32_t id;
        uint64_t number;
        int good = proves_itself(&saved, &id, &number);
        done = telem_ring_release(&c->reader);
        if (done == TELEM_EXPELLED) return done; /* the bytes may have changed: not looked at */
        CHECK(good);
        c->got++;
    }
    return TELEM_OK;
}

static void *consume(void *arg) {
    consumer *c = (consumer *)arg;
    uint64_t rng = c->seed;
    telem_ring_loss loss;
    for (;;) {
        int last = __atomic_load_n(&stop_readers, __ATOMIC_ACQUIRE);
        telem_result res = one_read(c, &rng);
        if (res == TELEM_EXPELLED) c->expelled++;
        else if (res == TELEM_EMPTY && last) break;
        else if (res == TELEM_EMPTY) sched_yield();
        else if (res != TELEM_OK && res != TELEM_AGAIN) {
            CHECK_OK(res);
            break;
        }
        if (check_rand(&rng) % 1024u == 0 && telem_ring_reader_loss(&c->reader, &loss) == TELEM_OK) c->losses += loss.count;
        if (c->dies && c->got > 100) return NULL; /* holds what it has, for ever */
    }
    if (telem_ring_reader_loss(&c->reader, &loss) == TELEM_OK) c->losses += loss.count;
    return NULL;
}

static void join_all(producer *p, uint32_t producers, consumer *c, uint32_t readers) {
    uint32_t i;
    __atomic_store_n(&stop_producers, 1, __ATOMIC_RELAXED);
    for (i = 0; i < producers; i++) pthread_join(p[i].thread, NULL);
    __atomic_store_n(&stop_readers, 1, __ATOMIC_RELEASE);
    for (i = 0; i < readers; i++) pthread_join(c[i].thread, NULL);
}

static void check_accounts(telem_ring *ring, producer *p, uint32_t producers, consumer *c, uint32_t readers) {
    uint64_t ok = 0, full = 0, aborted = 0;
    telem_ring_counts counts;
    uint32_t i;
    for (i = 0; i < producers; i++) ok += p[i].ok, full += p[i].full, aborted += p[i].aborted;
    REQUIRE_OK(telem_ring_stats(ring, &counts));
    CHECK_EQ_INT(counts.committed, ok);
    CHECK_EQ_INT(counts.refused + counts.aborted, full + aborted);
    CHECK_EQ_INT(counts.open, 0);
    CHECK_EQ_INT(counts.offered, ok + full + aborted);
    for (i = 0; i < readers; i++) {
        telem_ring_reader_counts n;
        REQUIRE_OK(telem_ring_reader_stats(&c[i].reader, &n));
        CHECK_EQ_INT(n.delivered + n.filtered + n.lost + n.queued, ok);
        CHECK_EQ_INT(n.delivered, c[i].got);
        if (!c[i].dies) CHECK_EQ_INT(n.queued, 0);
        if (!c[i].dies) CHECK_EQ_INT(n.lost, c[i].losses);
        if (c[i].gating && !c[i].dies && !c[i].expelled) CHECK_EQ_INT(n.lost, 0);
    }
}

/* One ring for so long. What it is like follows from the seed. */
static void stress_round(uint64_t seed, uint64_t ns) {
    static producer p[MOST_PRODUCERS];
    static consumer c[MOST_READERS];
    telem_ring_desc d = TELEM_ZERO;
    telem_ring *ring = NULL;
    uint64_t rng = seed, until;
    uint32_t producers = 1u + (uint32_t)(check_rand(&rng) % MOST_PRODUCERS), readers = 1u + (uint32_t)(check_rand(&rng) % MOST_READERS), i;
    uint32_t shared = (uint32_t)(check_rand(&rng) % (producers + 1u)); /* so many in the shared lane */
    telem_clock clock = telem_clock_monotonic();
    memset(p, 0, sizeof p);
    memset(c, 0, sizeof c);
    d.memory = memory, d.memory_size = sizeof memory;
    d.lanes = producers - shared;
    d.lane_bytes = 1024u << check_rand(&rng) % 5u;
    d.shared_bytes = shared ? 1024u << check_rand(&rng) % 5u : 0;
    d.policy = (uint32_t)(check_rand(&rng) % 2u);
    d.contiguous = check_rand(&rng) % 3u == 0;
    d.max_record = MOST_PAYLOAD;
    d.clock = &clock;
    d.stall = 200000; /* ns: short, so that it happens */
    REQUIRE_OK(telem_ring_init(&ring, &d));
    stop_producers = stop_readers = 0;
    for (i = 0; i < readers; i++) {
        telem_ring_reader_desc q = TELEM_ZERO;
        c[i].ring = ring, c[i].seed = check_rand(&rng) | 1u;
        c[i].gating = d.policy == TELEM_RING_REFUSE && check_rand(&rng) % 2u;
        c[i].dies = c[i].gating && check_rand(&rng) % 4u == 0;
        q.gating = (uint8_t)c[i].gating, q.copy = c[i].copy, q.copy_size = sizeof c[i].copy;
        if (c[i].dies) q.timeout = 1000; /* in ticks of the records, which are numbers here */
        REQUIRE_OK(telem_ring_reader_init(&c[i].reader, ring, &q));
    }
    for (i = 0; i < producers; i++) {
        p[i].ring = ring, p[i].id = i, p[i].seed = check_rand(&rng) | 1u;
        p[i].lane = i < shared ? TELEM_RING_SHARED : TELEM_RING_CLAIM;
        CHECK(pthread_create(&p[i].thread, NULL, produce, &p[i]) == 0);
    }
    for (i = 0; i < readers; i++) CHECK(pthread_create(&c[i].thread, NULL, consume, &c[i]) == 0);
    for (until = now_ns() + ns; now_ns() < until;) {
        struct timespec t = {0, 1000000};
        nanosleep(&t, NULL);
    }
    join_all(p, producers, c, readers);
    check_accounts(ring, p, producers, c, readers);
    if (check_g.bad)
        printf("    seed %" PRIu64 ": %u producers (%u shared), %u readers, policy %u, lanes %u B, shared %u B, contiguous %u\n", seed,
               (unsigned)producers, (unsigned)shared, (unsigned)readers, (unsigned)d.policy, (unsigned)d.lane_bytes, (unsigned)d.shared_bytes, (unsigned)d.contiguous);
}

static uint64_t stress_ns; /* how long in all */
static int stress_talks;

TEST(producers_and_readers_agree) {
    uint64_t rng = check_seed(), until = now_ns() + stress_ns;
    while (now_ns() < until && !check_g.bad) {
        uint64_t seed = check_rand(&rng) | 1u;
        if (stress_talks) printf("seed %" PRIu64 "\n", seed), fflush(stdout);
        stress_round(seed, stress_talks ? 500000000u : 60000000u);
    }
}

#ifndef STRESS_NO_MAIN
int main(int argc, char **argv) {
    stress_ns = (argc > 1 ? (uint64_t)strtoull(argv[1], NULL, 0) : 60u) * 1000000000u;
    stress_talks = 1;
    if (argc > 2) check_g.seed = (uint64_t)strtoull(argv[2], NULL, 0) | 1u, check_g.seeded = 1;
    RUN(producers_and_readers_agree);
    return CHECK_MAIN_END();
}
#endif
