/* test_clock_tsc.c - telem_clock_tsc: the processor's counter measured against another clock.
   On aarch64 the rate is the processor's own word. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include "check.h"

#if TELEM_HAS_TSC
#if !defined(__aarch64__) /* there the processor names its rate */
static uint64_t stopped(void *user) { (void)user; return 5; }
/* a tenth of the counter's own rate, 24 bits wide */
static uint64_t tenth(void *user) { (void)user; return telem_tsc() / 10u & 0xFFFFFFu; }

TEST(frequency_is_that_of_the_reference) {
    telem_clock c, ref = TELEM_ZERO;
    int tries = 0;
    if (telem_clock_tsc(&c, NULL, 1) == TELEM_ERR_UNSUPPORTED) SKIP("the time stamp counter is not invariant");
    ref.read = tenth, ref.bits = 24, ref.hz_num = 1000000000u;
    do REQUIRE_OK(telem_clock_tsc(&c, &ref, 30)); /* 2^24 of its ticks: 17 ms. Who is stopped longer loses a turn */
    while ((c.hz_num <= 9990000000u || c.hz_num >= 10010000000u) && ++tries < 50);
    CHECK(tries < 50);
    CHECK(c.read != NULL && c.bits == 0 && c.domain == TELEM_DOMAIN_BOOT);
}

TEST(reference_that_stands_still_is_refused) {
    telem_clock c, ref = TELEM_ZERO;
    ref.read = stopped;
    CHECK_EQ_INT(telem_clock_tsc(NULL, NULL, 1), TELEM_ERR_ARG);
    if (telem_clock_tsc(&c, NULL, 1) == TELEM_ERR_UNSUPPORTED) SKIP("the time stamp counter is not invariant");
    CHECK_EQ_INT(telem_clock_tsc(&c, &ref, 1), TELEM_ERR_ARG);
}

#endif

TEST(tsc_and_system_clock_go_at_one_rate) {
    telem_clock c, mono = telem_clock_monotonic();
    uint64_t t0, t1, m0, m1;
    int64_t ns, off;
    if (telem_clock_tsc(&c, NULL, 20) == TELEM_ERR_UNSUPPORTED) SKIP("the time stamp counter is not invariant");
    m0 = mono.read(mono.user), t0 = c.read(c.user);
    do m1 = mono.read(mono.user), t1 = c.read(c.user);
    while (m1 - m0 < 50000000u);
    ns = telem_ticks_to_ns(&c, (int64_t)(t1 - t0));
    off = ns - (int64_t)(m1 - m0);
    CHECK(off > -2500000 && off < 2500000); /* 5 %: a loaded machine may stop us between two reads */
}

TEST(ring_keeps_the_frequency_for_its_readers) {
    static uint64_t memory[4096 / 8];
    telem_ring_desc d = TELEM_ZERO;
    telem_clock c;
    telem_ring *ring;
    telem_ring_writer w;
    telem_ring_reader rd;
    telem_ring_record rec;
    uint64_t before, after, value = 0;
    if (telem_clock_tsc(&c, NULL, 1) != TELEM_OK) SKIP("the time stamp counter is not invariant");
    d.memory = memory, d.memory_size = sizeof memory, d.lanes = 1, d.clock = &c;
    REQUIRE_OK(telem_ring_init(&ring, &d));
    CHECK_EQ_INT((uint64_t)ring->fixed.hz_num[1] << 32 | ring->fixed.hz_num[0], c.hz_num);
    REQUIRE_OK(telem_ring_writer_init(&w, ring, TELEM_RING_CLAIM));
    REQUIRE_OK(telem_ring_reader_init(&rd, ring, NULL));
    before = telem_tsc();
    CHECK_OK(telem_ring_push(&w, 1, TELEM_RING_NOW, &value, 8));
    after = telem_tsc();
    REQUIRE_OK(telem_ring_read(&rd, &rec, &value, 8));
    CHECK((uint64_t)rec.time >= before && (uint64_t)rec.time <= after);
}
#endif

int main(void) {
#if TELEM_HAS_TSC
#if !defined(__aarch64__)
    RUN(frequency_is_that_of_the_reference);
    RUN(reference_that_stands_still_is_refused);
#endif
    RUN(tsc_and_system_clock_go_at_one_rate);
    RUN(ring_keeps_the_frequency_for_its_readers);
#else
    check_g.name = "telem_clock_tsc";
    check_skip("no counter known for this processor");
    check_g.skipped++;
#endif
    return CHECK_MAIN_END();
}
