/* test_ring_no_shared.c - lanes only: the ring without the shared lane's code. */
#define TELEM_NO_POSIX
#define TELEM_RING_NO_SHARED
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include "check.h"

static uint64_t memory[16384 / 8], copy[512 / 8];
static telem_ring *ring;

static telem_result make(uint32_t lanes, uint32_t shared, uint32_t policy) {
    telem_ring_desc d = TELEM_ZERO;
    d.memory = memory, d.memory_size = sizeof memory;
    d.lanes = lanes, d.lane_bytes = lanes ? 1024 : 0, d.shared_bytes = shared, d.policy = policy;
    return telem_ring_init(&ring, &d);
}

TEST(lanes_are_written_and_merged) {
    telem_ring_writer w[2];
    telem_ring_reader rd;
    telem_ring_reader_desc q = TELEM_ZERO;
    telem_ring_record rec;
    telem_ring_counts n;
    uint32_t i;
    REQUIRE_OK(make(2, 0, TELEM_RING_REFUSE));
    REQUIRE_OK(telem_ring_writer_init(&w[0], ring, TELEM_RING_CLAIM));
    REQUIRE_OK(telem_ring_writer_init(&w[1], ring, TELEM_RING_CLAIM));
    q.gating = 1, q.copy = copy, q.copy_size = sizeof copy;
    REQUIRE_OK(telem_ring_reader_init(&rd, ring, &q));
    for (i = 0; i < 1000u; i++) {
        CHECK_OK(telem_ring_push(&w[i % 2u], i % 2u, (int64_t)i, &i, sizeof i));
        if (i % 10u != 9u) continue;
        while (telem_ring_peek(&rd, &rec) == TELEM_OK) {
            uint32_t got;
            memcpy(&got, rec.data, sizeof got);
            CHECK(rec.len == 4u && rec.time == (int64_t)got && rec.stream == got % 2u && rec.lane == got % 2u);
            CHECK_OK(telem_ring_release(&rd));
        }
    }
    REQUIRE_OK(telem_ring_stats(ring, &n));
    CHECK(n.committed == 1000 && n.refused == 0);
    telem_ring_reader_deinit(&rd);
}

TEST(shared_lane_is_refused) {
    telem_ring_writer w;
    telem_ring_attach_desc a = TELEM_ZERO;
    telem_ring_image im;
    uint32_t units = 64;
    CHECK_EQ_INT(make(1, 1024, TELEM_RING_OVERWRITE), TELEM_ERR_ARG);
    CHECK(make(0, 0, TELEM_RING_OVERWRITE) < 0);
    REQUIRE_OK(make(1, 0, TELEM_RING_OVERWRITE));
    CHECK_EQ_INT(telem_ring_writer_init(&w, ring, TELEM_RING_SHARED), TELEM_ERR_ARG);
    a.bytes = memory, a.size = sizeof memory;
    CHECK_OK(telem_ring_attach(&im, &a));
    memcpy((char *)memory + offsetof(telem_i_ring_fixed, shared_units), &units, sizeof units);
    CHECK_EQ_INT(telem_ring_attach(&im, &a), TELEM_ERR_UNSUPPORTED);
}

int main(void) {
    RUN(lanes_are_written_and_merged);
    RUN(shared_lane_is_refused);
    return CHECK_MAIN_END();
}
