/* stress_ring.c - telem_ring.h under threads: random rings; 1..8 producers on lanes and the shared
   lane, that come and go, park for a while or die with a record open; 1..4 readers of all kinds,
   that fall asleep, are thrown out, leave and join again. Each record proves itself, each producer's
   records come in order, and at the end of each round all accounts must close.

     stress_ring [seconds [seed]]      default STRESS_SECONDS or 60; the seed of each round is printed
     stress_ring 0 seed                one round, the one that printed this seed

   test_ring_threads.c includes this file for a slice of a few seconds, stress_ring_narrow.c for
   32-bit cursors. Half of the rounds start just below the wrap of the cursors. Build with
   -fsanitize=thread (clang) to have the memory ordering checked as well. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <stdint.h>
static uint64_t ring_start; /* all cursors begin here */
#define TELEM_I_RING_START ring_start
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include "check.h"
#include <pthread.h>
#include <sched.h>

#define MOST_PRODUCERS 8
#define MOST_READERS 4
#define MOST_LANES 8
#define MOST_PAYLOAD 200
#define MOST_DEAD 3 /* producers that die with a record open, per round */

typedef struct producer {
    pthread_t thread;
    telem_ring *ring;
    int lane; /* what it asks for: SHARED, or CLAIM */
    uint32_t id;
    uint64_t seed, number;
    uint64_t ok, full, aborted, died, lives;
    int gone; /* this thread's life is over */
} producer;

typedef struct consumer {
    pthread_t thread;
    telem_ring *ring;
    telem_ring_reader reader;
    uint64_t copy[(MOST_PAYLOAD + 64) / 8] __attribute__((aligned(8))); /* 4 on i386 otherwise */
    uint64_t seed, got, losses, last[MOST_LANES + 1][MOST_PRODUCERS];
    uint64_t rejoined, delivered, lost; /* in lives before this one */
    int gating, dies, leaves, expelled, joined;
} consumer;

static int stop_producers, stop_readers, dead;
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

/* ---- producers ---- */

/* 0: it died, with the record open. */
static int one_record(producer *p, telem_ring_writer *w, uint64_t number, uint64_t *rng) {
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
            if (how == 2 && p->lane == TELEM_RING_SHARED && check_rand(rng) % 4096u == 0 &&
                __atomic_fetch_add(&dead, 1, __ATOMIC_RELAXED) < MOST_DEAD) {
                p->died++; /* open for ever, or refused once it is in the way */
                return 0;
            }
            if (how < 2) {
                CHECK_OK(telem_ring_abort(w, &span));
                p->aborted++; /* or refused, when it was revoked: the sum is checked */
                return 1;
            }
            res = telem_ring_commit(w, &span);
        }
    }
    if (res == TELEM_OK) p->ok++;
    else if (res == TELEM_FULL) p->full++;
    else CHECK_OK(res);
    return 1;
}

/* One life. main starts the next one, in a new thread. */
static void *produce(void *arg) {
    producer *p = (producer *)arg;
    telem_ring_writer w;
    uint64_t rng = p->seed;
    while (!__atomic_load_n(&stop_producers, __ATOMIC_RELAXED)) {
        uint32_t bursts = (uint32_t)(check_rand(&rng) % 64u), burst = 0;
        telem_result res = telem_ring_writer_init(&w, p->ring, p->lane);
        if (res == TELEM_FULL) { /* more threads than lanes */
            sched_yield();
            continue;
        }
        CHECK_OK(res);
        while (bursts-- > 0 && !__atomic_load_n(&stop_producers, __ATOMIC_RELAXED)) {
            for (burst = (uint32_t)(check_rand(&rng) % 200u); burst > 0; burst--)
                if (!one_record(p, &w, p->number++, &rng)) goto over;
            if (check_rand(&rng) % 4u == 0) sched_yield();
        }
        CHECK_OK(telem_ring_writer_deinit(&w)); /* another thread may get this lane now */
        if (check_rand(&rng) % 4u == 0) break;
    }
over:
    p->seed = check_rand(&rng) | 1u;
    __atomic_store_n(&p->gone, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void start_producer(producer *p) {
    p->gone = 0;
    p->lives++;
    CHECK(pthread_create(&p->thread, NULL, produce, p) == 0);
}

/* ---- readers ---- */

static void check_record(consumer *c, const telem_ring_record *rec, uint32_t id, uint64_t number, int good) {
    CHECK(good);
    if (!good) return;
    CHECK(number > c->last[rec->lane][id]); /* once, and in the order of its producer */
    c->last[rec->lane][id] = number;
    c->got++;
}

static telem_result one_read(consumer *c, uint64_t *rng) {
    telem_ring_record rec, saved;
    uint64_t buf[(MOST_PAYLOAD + 64) / 8], number = 0;
    uint32_t id = 0;
    telem_result res;
    int good;
    if (c->dies || c->leaves || check_rand(rng) % 4u == 0) { /* peeked bytes of an expelled reader may race */
        res = telem_ring_read(&c->reader, &rec, buf, sizeof buf);
        if (res != TELEM_OK) return res;
        good = proves_itself(&rec, &id, &number);
        check_record(c, &rec, id, number, good);
        return res;
    }
    res = telem_ring_peek(&c->reader, &rec);
    if (res != TELEM_OK) return res;
    saved = rec;
    good = proves_itself(&saved, &id, &number);
    res = telem_ring_release(&c->reader);
    if (res == TELEM_EXPELLED) return res; /* the bytes may have changed: not looked at */
    CHECK_OK(res);
    check_record(c, &saved, id, number, good);
    return TELEM_OK;
}

static void take_losses(consumer *c) {
    telem_ring_loss loss;
    if (telem_ring_reader_loss(&c->reader, &loss) != TELEM_OK) return;
    CHECK(loss.count > 0);
    c->losses += loss.count;
}

static telem_result join(consumer *c, uint8_t start, uint64_t timeout) {
    telem_ring_reader_desc q = TELEM_ZERO;
    telem_result res;
    q.gating = (uint8_t)c->gating, q.start = start, q.copy = c->copy, q.copy_size = sizeof c->copy;
    q.timeout = timeout;
    do res = telem_ring_reader_init(&c->reader, c->ring, &q);
    while (res == TELEM_AGAIN);
    c->joined = res == TELEM_OK;
    return res;
}

/* Leaves and joins again. What it has seen may come again (the oldest is older than where it was);
   within one life nothing comes twice. */
static void rejoin(consumer *c, uint64_t *rng) {
    telem_ring_reader_counts n;
    CHECK_OK(telem_ring_reader_stats(&c->reader, &n));
    take_losses(c);
    CHECK_EQ_INT(n.delivered + c->delivered, c->got);
    CHECK_EQ_INT(n.lost + c->lost, c->losses);
    c->delivered += n.delivered, c->lost += n.lost;
    c->rejoined++;
    memset(c->last, 0, sizeof c->last);
    c->expelled = 0;
    telem_ring_reader_deinit(&c->reader);
    CHECK_OK(join(c, (uint8_t)(check_rand(rng) % 2u), c->gating ? 1 + check_rand(rng) % 2000u : 0));
}

static void *consume(void *arg) {
    consumer *c = (consumer *)arg;
    uint64_t rng = c->seed;
    while (c->joined) {
        int last = __atomic_load_n(&stop_readers, __ATOMIC_ACQUIRE);
        telem_result res = one_read(c, &rng);
        if (res == TELEM_EXPELLED) c->expelled++;
        else if (res == TELEM_EMPTY && last) break;
        else if (res == TELEM_EMPTY) sched_yield();
        else if (res != TELEM_OK && res != TELEM_AGAIN) {
            CHECK_OK(res);
            break;
        }
        if (check_rand(&rng) % 1024u == 0) take_losses(c);
        if (c->dies && c->got > 100) return NULL; /* holds what it has, for ever */
        if (c->leaves && !last && (c->expelled || check_rand(&rng) % 512u == 0)) rejoin(c, &rng);
        if (c->leaves && check_rand(&rng) % 256u == 0) sched_yield(); /* asleep: to be expelled */
    }
    take_losses(c);
    return NULL;
}

/* ---- a round ---- */

static void join_all(producer *p, uint32_t producers, consumer *c, uint32_t readers) {
    uint32_t i;
    __atomic_store_n(&stop_producers, 1, __ATOMIC_RELAXED);
    for (i = 0; i < producers; i++) pthread_join(p[i].thread, NULL);
    __atomic_store_n(&stop_readers, 1, __ATOMIC_RELEASE);
    for (i = 0; i < readers; i++) pthread_join(c[i].thread, NULL);
}

static void check_accounts(telem_ring *ring, producer *p, uint32_t producers, consumer *c, uint32_t readers) {
    uint64_t ok = 0, full = 0, aborted = 0, died = 0;
    telem_ring_counts counts;
    uint32_t i;
    for (i = 0; i < producers; i++) ok += p[i].ok, full += p[i].full, aborted += p[i].aborted, died += p[i].died;
    REQUIRE_OK(telem_ring_stats(ring, &counts));
    CHECK_EQ_INT(counts.committed, ok);
    CHECK_EQ_INT(counts.refused + counts.aborted + counts.open, full + aborted + died);
    CHECK(counts.open <= died);
    CHECK_EQ_INT(counts.offered, ok + full + aborted + died);
    for (i = 0; i < readers; i++) {
        telem_ring_reader_counts n;
        REQUIRE_OK(telem_ring_reader_stats(&c[i].reader, &n));
        if (!c[i].rejoined) CHECK_EQ_INT(n.delivered + n.filtered + n.lost + n.queued, ok);
        CHECK(n.delivered + n.filtered + n.lost + n.queued <= ok);
        CHECK_EQ_INT(n.delivered + c[i].delivered, c[i].got);
        if (!c[i].dies) CHECK_EQ_INT(n.queued, 0);
        if (!c[i].dies) CHECK_EQ_INT(n.lost + c[i].lost, c[i].losses);
        if (c[i].gating && !c[i].dies && !c[i].expelled) CHECK_EQ_INT(n.lost, 0);
    }
}

static producer p[MOST_PRODUCERS];
static consumer c[MOST_READERS];

static void start_reader(consumer *q, telem_ring *ring, uint32_t policy, uint64_t *rng) {
    q->ring = ring, q->seed = check_rand(rng) | 1u;
    q->gating = policy == TELEM_RING_REFUSE && check_rand(rng) % 3u;
    q->dies = q->gating && check_rand(rng) % 4u == 0;
    q->leaves = !q->dies && check_rand(rng) % 3u == 0;
    /* a timeout is in ticks of the records, which are numbers here */
    CHECK_OK(join(q, TELEM_RING_OLDEST, q->dies ? 1000 : q->leaves && q->gating ? 300 : 0));
}

/* What a ring is like follows from the seed. */
static void stress_round(uint64_t seed, uint64_t ns) {
    telem_ring_desc d = TELEM_ZERO;
    telem_ring *ring = NULL;
    uint64_t rng = seed, until, committed = 0;
    uint32_t producers = 1u + (uint32_t)(check_rand(&rng) % MOST_PRODUCERS), readers = 1u + (uint32_t)(check_rand(&rng) % MOST_READERS), i;
    uint32_t shared = (uint32_t)(check_rand(&rng) % (producers + 1u)); /* so many in the shared lane */
    telem_clock clock = telem_clock_monotonic();
    memset(p, 0, sizeof p);
    memset(c, 0, sizeof c);
    dead = 0;
    d.memory = memory, d.memory_size = sizeof memory;
    d.lanes = producers - shared;
    if (d.lanes > 2 && check_rand(&rng) % 3u == 0) d.lanes--; /* one too few: they take turns */
    d.lane_bytes = 1024u << check_rand(&rng) % 5u;
    d.shared_bytes = shared ? 1024u << check_rand(&rng) % 5u : 0;
    d.policy = (uint32_t)(check_rand(&rng) % 2u);
    d.contiguous = check_rand(&rng) % 3u == 0;
    d.max_record = MOST_PAYLOAD;
    d.clock = &clock;
    d.stall = 200000; /* ns: short, so that it happens */
    ring_start = check_rand(&rng) % 2u ? 0 : (uint64_t)0 - 4096u * (1u + check_rand(&rng) % 64u);
    REQUIRE_OK(telem_ring_init(&ring, &d));
    stop_producers = stop_readers = 0;
    for (i = 0; i < readers; i++) start_reader(&c[i], ring, d.policy, &rng);
    for (i = 0; i < producers; i++) {
        p[i].ring = ring, p[i].id = i, p[i].seed = check_rand(&rng) | 1u, p[i].number = 1;
        p[i].lane = i < shared ? TELEM_RING_SHARED : TELEM_RING_CLAIM;
        start_producer(&p[i]);
    }
    for (i = 0; i < readers; i++) CHECK(pthread_create(&c[i].thread, NULL, consume, &c[i]) == 0);
    for (until = now_ns() + ns; now_ns() < until;) {
        struct timespec t = {0, 1000000};
        telem_ring_counts counts;
        nanosleep(&t, NULL);
        for (i = 0; i < producers; i++)
            if (__atomic_load_n(&p[i].gone, __ATOMIC_ACQUIRE)) {
                pthread_join(p[i].thread, NULL);
                start_producer(&p[i]);
            }
        CHECK_OK(telem_ring_stats(ring, &counts)); /* a snapshot, at any time */
        CHECK(counts.committed >= committed);
        committed = counts.committed;
    }
    join_all(p, producers, c, readers);
    check_accounts(ring, p, producers, c, readers);
    if (check_g.bad)
        printf("    seed %" PRIu64 ": %u producers (%u shared), %u readers, policy %u, %u lanes of %u B, shared %u B, contiguous %u, start %" PRIu64 "\n", seed,
               (unsigned)producers, (unsigned)shared, (unsigned)readers, (unsigned)d.policy, (unsigned)d.lanes, (unsigned)d.lane_bytes,
               (unsigned)d.shared_bytes, (unsigned)d.contiguous, ring_start);
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
static uint64_t only_seed;
TEST(one_round) { stress_round(only_seed, 500000000u); }

int main(int argc, char **argv) {
    const char *env = getenv("STRESS_SECONDS"), *seconds = argc > 1 ? argv[1] : env ? env : "60";
    stress_ns = (uint64_t)strtoull(seconds, NULL, 0) * 1000000000u;
    stress_talks = 1;
    if (argc > 2) check_g.seed = (uint64_t)strtoull(argv[2], NULL, 0) | 1u, check_g.seeded = 1;
    only_seed = check_g.seed;
    if (argc > 2 && stress_ns == 0) RUN(one_round);
    else RUN(producers_and_readers_agree);
    return CHECK_MAIN_END();
}
#endif
