/* stress_ring_lapped.c - the pattern that tears records elsewhere: a producer of the shared lane is
   interrupted in the middle of its copy by pushes that go round the whole ring, once or several times,
   and writes on afterwards. Here every outer record is lapped so, and a timer's signal does the same
   at any instruction of anything. Two readers accept what they find whole, one of them between the two
   halves, one in a thread of its own; each word of a record follows from its number, so that one torn
   record shows.

     stress_ring_lapped [records]     default STRESS_SECONDS (or 60) long; RECORDS=1000000000: that many

   Built with clang -fsanitize=thread it checks the orders, too (the signal is left out then). */
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif
#include <stdint.h>
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/time.h>

#if defined(__SANITIZE_THREAD__)
#define WITH_SIGNAL 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_SIGNAL 0
#endif
#endif
#ifndef WITH_SIGNAL
#define WITH_SIGNAL 1
#endif

enum { WORDS = 4, LAP = 64 };
static uint64_t memory[16384 / 8];
static telem_ring *ring;
static telem_ring_writer shared;
static uint64_t pushed, ok, refused; /* by the producer and by the signal in its thread: __atomic */
static int stop;

typedef struct looker {
    pthread_t thread;
    telem_ring_reader rd;
    uint64_t copy[2048 / 8], got, torn, last;
    int gating;
} looker;
static looker lookers[2];

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static uint32_t compose(uint64_t *p, uint64_t n) {
    p[0] = n * 0x9E3779B97F4A7C15u, p[1] = p[0] ^ 1u, p[2] = p[0] ^ 2u, p[3] = p[0] ^ 3u;
    return 8u * (1u + (uint32_t)(n % WORDS));
}
static int proves_itself(const telem_ring_record *rec) {
    uint64_t want[WORDS], n = (uint64_t)rec->time;
    return rec->stream == (uint32_t)(n % 200u) && rec->len == compose(want, n) && memcmp(want, rec->data, rec->len) == 0;
}
static void answered(telem_result res) {
    CHECK(res == TELEM_OK || res == TELEM_FULL);
    __atomic_fetch_add(res == TELEM_OK ? &ok : &refused, 1u, __ATOMIC_RELAXED);
}
static void push(void) {
    uint64_t p[WORDS], n = __atomic_add_fetch(&pushed, 1u, __ATOMIC_RELAXED);
    uint32_t len = compose(p, n);
    answered(telem_ring_push(&shared, (uint32_t)(n % 200u), (int64_t)n, p, len));
}
static void interrupt(uint32_t records) {
    while (records-- > 0) push();
}
static void on_signal(int sig) {
    (void)sig;
    interrupt(LAP / 2 + (uint32_t)(pushed % (2u * LAP)));
}
/* Reads all there is. */
static telem_result look(looker *l) {
    telem_ring_record rec;
    telem_result res;
    while ((res = telem_ring_peek(&l->rd, &rec)) == TELEM_OK) {
        int good = proves_itself(&rec);
        CHECK_OK(telem_ring_release(&l->rd));
        l->got++;
        if (!good) l->torn++;
    }
    CHECK(res == TELEM_EMPTY || res == TELEM_AGAIN);
    return res;
}
static void *look_on(void *arg) {
    looker *l = (looker *)arg;
    sigset_t alarms;
    int last;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarms, NULL); /* it is the producer's */
    do {
        last = __atomic_load_n(&stop, __ATOMIC_ACQUIRE);
        if (look(l) != TELEM_EMPTY) last = 0;
        else sched_yield();
    } while (!last);
    return NULL;
}

/* A record whose producer is lapped when half of it is there. */
static void lapped(uint64_t *rng) {
    uint64_t p[WORDS], n = __atomic_add_fetch(&pushed, 1u, __ATOMIC_RELAXED);
    uint32_t len = compose(p, n), half = len / 2u & ~7u;
    telem_ring_span span;
    telem_result res = telem_ring_begin(&shared, (uint32_t)(n % 200u), (int64_t)n, len, &span);
    if (res == TELEM_OK) {
        telem_ring_span_write(&shared, &span, 0, p, half);
        interrupt((uint32_t)(check_rand(rng) % (2u * LAP)));
        if (check_rand(rng) % 2u) (void)look(&lookers[0]); /* while half of it is there */
        telem_ring_span_write(&shared, &span, half, p + half / 8u, len - half);
        res = telem_ring_commit(&shared, &span);
    }
    answered(res);
    if (check_rand(rng) % 2u) (void)look(&lookers[0]);
}

static void start(uint32_t policy) {
    telem_ring_desc d = TELEM_ZERO;
    int i;
    memset(lookers, 0, sizeof lookers);
    pushed = ok = refused = 0, stop = 0;
    d.memory = memory, d.memory_size = sizeof memory;
    d.shared_bytes = 2048, d.shared_records = LAP, d.policy = policy, d.stall = 50;
    REQUIRE_OK(telem_ring_init(&ring, &d));
    REQUIRE_OK(telem_ring_writer_init(&shared, ring, TELEM_RING_SHARED));
    for (i = 0; i < 2; i++) {
        telem_ring_reader_desc q = TELEM_ZERO;
        q.copy = lookers[i].copy, q.copy_size = sizeof lookers[i].copy;
        q.gating = policy == TELEM_RING_REFUSE && i == 0;
        lookers[i].gating = q.gating;
        REQUIRE_OK(telem_ring_reader_init(&lookers[i].rd, ring, &q));
    }
    REQUIRE(pthread_create(&lookers[1].thread, NULL, look_on, &lookers[1]) == 0);
}
static void finish(void) {
    telem_ring_counts c = TELEM_ZERO;
    int i;
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    pthread_join(lookers[1].thread, NULL);
    while (look(&lookers[0]) == TELEM_AGAIN) {}
    CHECK_OK(telem_ring_stats(ring, &c));
    CHECK_EQ_INT(c.committed, ok);
    CHECK_EQ_INT(c.refused, refused);
    CHECK_EQ_INT(ok + refused, pushed);
    for (i = 0; i < 2; i++) {
        telem_ring_reader_counts n = TELEM_ZERO;
        CHECK_OK(telem_ring_reader_stats(&lookers[i].rd, &n));
        CHECK_EQ_INT(n.delivered + n.lost + n.queued, ok);
        CHECK_EQ_INT(n.delivered, lookers[i].got);
        CHECK_EQ_INT(n.queued, 0);
        CHECK_EQ_INT(lookers[i].torn, 0);
        if (lookers[i].gating) CHECK_EQ_INT(n.lost, 0);
    }
    printf("%s: %" PRIu64 " records offered, %" PRIu64 " committed, %" PRIu64 " refused; accepted by two readers %" PRIu64 " and %" PRIu64
           ", torn %" PRIu64 "\n", ring->fixed.policy == TELEM_RING_REFUSE ? "REFUSE" : "OVERWRITE", pushed, ok, refused,
           lookers[0].got, lookers[1].got, lookers[0].torn + lookers[1].torn);
}

static uint64_t most_records, most_ns;

static void run_policy(uint32_t policy) {
    uint64_t rng = check_seed(), until = now_ns() + most_ns / 2u;
    start(policy);
    if (check_g.bad) return;
#if WITH_SIGNAL
    {
        struct itimerval soon = {{0, 0}, {0, 100}};
        struct sigaction act;
        memset(&act, 0, sizeof act);
        act.sa_handler = on_signal, act.sa_flags = SA_RESTART;
        sigaction(SIGALRM, &act, NULL);
#endif
        while (most_records ? __atomic_load_n(&pushed, __ATOMIC_RELAXED) < most_records / 2u : now_ns() < until) {
            int i;
            for (i = 0; i < 1000; i++) lapped(&rng);
#if WITH_SIGNAL
            for (i = 0; i < 1000; i++) { /* in this thread: the reader's has it blocked */
                if (i % 8 == 0) setitimer(ITIMER_REAL, &soon, NULL);
                push(), lapped(&rng);
            }
#endif
        }
#if WITH_SIGNAL
        memset(&soon, 0, sizeof soon);
        setitimer(ITIMER_REAL, &soon, NULL);
    }
#endif
    finish();
}
TEST(lapped_records_are_never_torn_in_a_ring_that_overwrites) { run_policy(TELEM_RING_OVERWRITE); }
TEST(lapped_records_are_never_torn_in_a_ring_that_refuses) { run_policy(TELEM_RING_REFUSE); }

int main(int argc, char **argv) {
    const char *seconds = getenv("STRESS_SECONDS"), *records = argc > 1 ? argv[1] : getenv("RECORDS");
    most_ns = strtoull(seconds ? seconds : "60", NULL, 0) * 1000000000u;
    most_records = records ? strtoull(records, NULL, 0) : 0;
    printf("seed %" PRIu64 "\n", check_seed());
    RUN(lapped_records_are_never_torn_in_a_ring_that_overwrites);
    RUN(lapped_records_are_never_torn_in_a_ring_that_refuses);
    return CHECK_MAIN_END();
}
