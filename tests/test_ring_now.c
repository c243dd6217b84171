/* test_ring_now.c - telem_ring.h with the processor's counter as its clock: TELEM_RING_NOW by each way
   to write, in a lane and in the shared lane, is a reading of the counter during the call. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include "check.h"

#if TELEM_HAS_TSC
static uint64_t memory[16384 / 8], copy[1024 / 8];

static telem_result write_now(telem_ring_writer *w, uint32_t way) {
    uint64_t data = way;
    telem_ring_item it;
    telem_ring_span s;
    telem_result res;
    if (way == 0) return telem_ring_push(w, 1, TELEM_RING_NOW, &data, 8);
    if (way == 1) return telem_ring_push_inline(w, 1, TELEM_RING_NOW, &data, 8);
    if (way == 2) {
        it.stream = 1, it.len = 8, it.time = TELEM_RING_NOW, it.data = &data;
        return telem_ring_push_batch(w, &it, 1, NULL);
    }
    res = way == 3 ? telem_ring_begin(w, 1, TELEM_RING_NOW, 8, &s)
                   : telem_ring_begin_inline(w, 1, TELEM_RING_NOW, 8, &s);
    return res == TELEM_OK ? telem_ring_commit(w, &s) : res;
}

TEST(now_is_the_counter_during_the_call) {
    telem_clock tsc;
    int lane;
    if (telem_clock_tsc(&tsc, NULL, 1) != TELEM_OK) SKIP("no invariant counter");
    for (lane = -1; lane < 1; lane++) {
        telem_ring *ring;
        telem_ring_desc d = TELEM_ZERO;
        telem_ring_reader_desc q = TELEM_ZERO;
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        uint32_t i;
        d.memory = memory, d.memory_size = sizeof memory, d.lanes = 1, d.lane_bytes = 1024,
        d.shared_bytes = 1024;
        d.policy = TELEM_RING_OVERWRITE, d.clock = &tsc;
        REQUIRE_OK(telem_ring_init(&ring, &d));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        q.copy = copy, q.copy_size = sizeof copy;
        REQUIRE_OK(telem_ring_reader_init(&rd, ring, &q));
        for (i = 0; i < 1000u; i++) {
            int64_t before = (int64_t)telem_tsc(), after;
            CHECK_OK(write_now(&w, i % 5u));
            after = (int64_t)telem_tsc();
            REQUIRE_OK(telem_ring_peek_inline(&rd, &rec));
            CHECK(rec.time >= before - 1000 &&
                  rec.time <= after + 1000); /* readings are not ordered exactly */
            CHECK_OK(telem_ring_release_inline(&rd));
        }
    }
}
#else
TEST(now_is_the_counter_during_the_call) { SKIP("no counter"); }
#endif

int main(void) {
    RUN(now_is_the_counter_during_the_call);
    return CHECK_MAIN_END();
}
