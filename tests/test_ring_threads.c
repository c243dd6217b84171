/* test_ring_threads.c - five seconds of stress_ring.c; runs under TSan (clang) as well. The long
   form is stress_ring; test_ring_threads_narrow.c has 32-bit cursors. */
#define STRESS_NO_MAIN
#include "stress_ring.c"

static uint64_t clock_reads;
static uint64_t read_count(void *user) {
    (void)user;
    return __atomic_add_fetch(&clock_reads, 1, __ATOMIC_RELAXED) & 0xFFFFu;
}

/* A 16-bit clock that all producers of the shared lane extend together. */
static void *stamp(void *arg) {
    telem_ring_writer w;
    int i;
    CHECK_OK(telem_ring_writer_init(&w, (telem_ring *)arg, TELEM_RING_SHARED));
    for (i = 0; i < 100000; i++) {
        telem_result res = telem_ring_push(&w, 1, TELEM_RING_NOW, &i, sizeof i);
        CHECK(res == TELEM_OK || res == TELEM_FULL); /* FULL: suspended for a whole lap */
    }
    return NULL;
}

TEST(narrow_clock_is_extended_by_many_producers) {
    telem_ring_desc d = TELEM_ZERO;
    telem_clock clock = TELEM_ZERO;
    telem_ring *ring;
    telem_ring_reader rd;
    telem_ring_record rec;
    pthread_t t[3];
    uint64_t copy[8], ticks;
    int i;
    clock.read = read_count, clock.bits = 16;
    d.memory = memory, d.memory_size = sizeof memory;
    d.shared_bytes = 4096, d.policy = TELEM_RING_OVERWRITE, d.clock = &clock;
    clock_reads = 0;
    REQUIRE_OK(telem_ring_init(&ring, &d));
    for (i = 0; i < 3; i++) CHECK(pthread_create(&t[i], NULL, stamp, ring) == 0);
    for (i = 0; i < 3; i++) pthread_join(t[i], NULL);
    ticks = clock_reads;
    {
        telem_ring_reader_desc q = TELEM_ZERO;
        q.copy = copy, q.copy_size = sizeof copy;
        REQUIRE_OK(telem_ring_reader_init(&rd, ring, &q));
    }
    while (telem_ring_peek(&rd, &rec) == TELEM_OK) {
        CHECK((uint64_t)rec.time <= ticks && (uint64_t)rec.time + 65536u > ticks);
        CHECK_OK(telem_ring_release(&rd));
    }
    CHECK(rd.delivered > 10);
}

/* Two threads fire, one reads and arms; all use the trigger's fields. */
static telem_ring_trigger trigger;
static int trigger_over;
static void *fire(void *arg) {
    uint64_t n = 0;
    (void)arg;
    while (!__atomic_load_n(&trigger_over, __ATOMIC_RELAXED)) {
        telem_result res = telem_ring_trigger_fire(&trigger, (int64_t)n++);
        CHECK(res == TELEM_OK || res == TELEM_ERR_EXISTS || res == TELEM_AGAIN);
        sched_yield();
    }
    return NULL;
}
TEST(trigger_is_fired_by_any_thread) {
    telem_ring_desc d = TELEM_ZERO;
    telem_ring_trigger_desc q = TELEM_ZERO;
    telem_ring *ring;
    telem_ring_writer w;
    telem_ring_record rec;
    pthread_t t[2];
    uint64_t buf[2], n = 0, captured = 0;
    int i, rounds;
    d.memory = memory, d.memory_size = sizeof memory;
    d.lanes = 1, d.lane_bytes = 1024;
    q.before = 5, q.after = 5;
    REQUIRE_OK(telem_ring_init(&ring, &d));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
    REQUIRE_OK(telem_ring_trigger_init(&trigger, ring, &q));
    trigger_over = 0;
    for (i = 0; i < 2; i++) CHECK(pthread_create(&t[i], NULL, fire, NULL) == 0);
    for (rounds = 0; rounds < (check_quick() ? 300 : 3000); rounds++) {
        uint64_t last = 0, got = 0;
        telem_result res = TELEM_EMPTY;
        while (res != TELEM_END) {
            if (telem_ring_push(&w, 1, (int64_t)(n + 1u), &n, sizeof n) == TELEM_OK) n++;
            res = telem_ring_trigger_read(&trigger, &rec, buf, sizeof buf);
            if (res != TELEM_OK) continue;
            CHECK(got == 0 || (uint64_t)rec.time == last + 1u);
            CHECK(buf[0] + 1u == (uint64_t)rec.time);
            last = (uint64_t)rec.time, got++;
        }
        CHECK(got >= 5 && got <= 10);
        captured += got;
        telem_ring_trigger_arm(&trigger);
    }
    __atomic_store_n(&trigger_over, 1, __ATOMIC_RELAXED);
    for (i = 0; i < 2; i++) pthread_join(t[i], NULL);
    CHECK(captured > 0);
}

int main(void) {
    stress_ns = check_quick() ? 1000000000u : 5000000000u;
    RUN(producers_and_readers_agree);
    RUN(narrow_clock_is_extended_by_many_producers);
    RUN(trigger_is_fired_by_any_thread);
    return CHECK_MAIN_END();
}
