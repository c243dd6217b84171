/* test_ring.c - telem_ring.h: each function, each error code, each guarantee; a model that random
   operations are compared with; and interleavings that are forced, not hoped for: the atomics are
   this file's own, and before any one of them the test may run other producers and readers to
   the end, as an interrupt would. test_ring_narrow.c compiles the same with 32-bit cursors. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <stddef.h>
#include <stdint.h>

/* ---- atomics with a test point before each ---- */

#ifndef TEST_WIDE
#define TEST_WIDE 1
#endif
static void (*point_call)(void); /* NULL: no interleaving */
static int point_at, point_count;
static uint64_t ring_start; /* all cursors begin here */
#define TELEM_I_RING_START ring_start

static inline void point(void) {
    if (!point_call || point_count++ != point_at) return;
    {
        void (*call)(void) = point_call;
        point_call = NULL; /* once, and not inside itself */
        call();
    }
}
typedef uint32_t telem_atomic32;
static inline uint32_t t_load32(const uint32_t *p) { point(); return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void t_store32(uint32_t *p, uint32_t v) { point(); __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static uint32_t rmw_count; /* read-modify-writes so far */
static inline uint32_t t_add32(uint32_t *p, uint32_t v) {
    point();
    rmw_count++;
    return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL);
}
static inline int t_cas32(uint32_t *p, uint32_t *e, uint32_t d) {
    point();
    rmw_count++;
    return __atomic_compare_exchange_n(p, e, d, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
#define TELEM_LOAD32_RELAXED(p) t_load32(p)
#define TELEM_LOAD32_ACQUIRE(p) t_load32(p)
#define TELEM_STORE32_RELAXED(p, v) t_store32(p, v)
#define TELEM_STORE32_RELEASE(p, v) t_store32(p, v)
#define TELEM_FETCH_ADD32(p, v) t_add32(p, v)
#define TELEM_CAS32(p, e, d) t_cas32(p, e, d)
#define TELEM_FENCE_ACQUIRE() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define TELEM_FENCE_RELEASE() __atomic_thread_fence(__ATOMIC_RELEASE)
#define TELEM_FENCE_SEQ_CST() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#if TEST_WIDE
#define TELEM_HAS_ATOMIC64 1
typedef uint64_t telem_atomic64;
static inline uint64_t t_load64(const uint64_t *p) { point(); return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void t_store64(uint64_t *p, uint64_t v) { point(); __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline int t_cas64(uint64_t *p, uint64_t *e, uint64_t d) {
    point();
    rmw_count++;
    return __atomic_compare_exchange_n(p, e, d, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
#define TELEM_CAS64(p, e, d) t_cas64(p, e, d)
#define TELEM_LOAD64_RELAXED(p) t_load64(p)
#define TELEM_LOAD64_ACQUIRE(p) t_load64(p)
#define TELEM_STORE64_RELAXED(p, v) t_store64(p, v)
#define TELEM_STORE64_RELEASE(p, v) t_store64(p, v)
#endif

#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include "check.h"

/* ---- helpers ---- */

static uint64_t memory[65536 / 8];
static uint64_t copy_buf[4096 / 8], copy_buf2[4096 / 8];
static uint64_t copies[8][4096 / 8]; /* a reader's copy buffer is its own while it lives */
static uint32_t copies_used;
static telem_ring *ring;

static telem_ring_desc desc_of(uint32_t lanes, uint32_t lane_bytes, uint32_t shared_bytes, uint32_t policy) {
    telem_ring_desc d = TELEM_ZERO;
    d.memory = memory;
    d.memory_size = sizeof memory;
    d.lanes = lanes;
    d.lane_bytes = lane_bytes;
    d.shared_bytes = shared_bytes;
    d.policy = policy;
    return d;
}
static int make(uint32_t lanes, uint32_t lane_bytes, uint32_t shared_bytes, uint32_t policy) {
    telem_ring_desc d = desc_of(lanes, lane_bytes, shared_bytes, policy);
    return telem_ring_init(&ring, &d) == TELEM_OK;
}
static telem_result reader(telem_ring_reader *rd, int gating, uint8_t start) {
    telem_ring_reader_desc d = TELEM_ZERO;
    d.gating = (uint8_t)gating;
    d.start = start;
    d.copy = copies[copies_used++ % 8u];
    d.copy_size = sizeof copies[0];
    return telem_ring_reader_init(rd, ring, &d);
}

/* A record that proves itself: n, then bytes made of n. */
static uint32_t fill(uint8_t *p, uint32_t n, uint32_t len) {
    uint32_t i;
    for (i = 0; i < len; i++) p[i] = (uint8_t)((n >> (i % 4u * 8u)) + i / 4u);
    return len;
}
static int whole(const void *data, uint32_t n, uint32_t len) {
    uint8_t want[4096];
    fill(want, n, len);
    return memcmp(want, data, len) == 0;
}
static telem_result push_n(telem_ring_writer *w, uint32_t stream, uint32_t n, uint32_t len) {
    uint8_t buf[4096];
    fill(buf, n, len);
    return telem_ring_push(w, stream, (int64_t)n, buf, len);
}
/* time is the number of the record; len follows from it */
static uint32_t len_of(uint32_t n) { return n * 7u % 61u; }

static telem_ring_counts stats(void) {
    telem_ring_counts c;
    memset(&c, 0, sizeof c);
    CHECK_OK(telem_ring_stats(ring, &c));
    return c;
}
static uint64_t total(telem_ring_reader *rd) {
    telem_ring_reader_counts c;
    memset(&c, 0, sizeof c);
    CHECK_OK(telem_ring_reader_stats(rd, &c));
    return c.delivered + c.filtered + c.lost + c.queued;
}

/* ---- the plain things ---- */

TEST(record_comes_back_as_it_went_in) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        uint8_t buf[4096];
        uint32_t n;
        REQUIRE(make(1, 1024, 1024, TELEM_RING_REFUSE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(reader(&rd, 1, TELEM_RING_OLDEST));
        CHECK_EQ_INT(telem_ring_peek(&rd, &rec), TELEM_EMPTY);
        for (n = 0; n < 500; n++) {
            CHECK_OK(push_n(&w, n % 5u, n, len_of(n)));
            if (n % 2u) {
                REQUIRE_OK(telem_ring_peek(&rd, &rec));
                CHECK(whole(rec.data, n, rec.len));
                CHECK_OK(telem_ring_release(&rd));
            } else {
                REQUIRE_OK(telem_ring_read(&rd, &rec, buf, sizeof buf));
                CHECK(rec.data == buf && whole(buf, n, rec.len));
            }
            CHECK_EQ_INT(rec.stream, n % 5u);
            CHECK_EQ_INT(rec.time, n);
            CHECK_EQ_INT(rec.len, len_of(n));
            CHECK_EQ_INT(rec.lane, lane == 0 ? 0 : 1);
        }
        CHECK_EQ_INT(telem_ring_peek(&rd, &rec), TELEM_EMPTY);
        telem_ring_reader_deinit(&rd);
        CHECK_OK(telem_ring_writer_deinit(&w));
    }
}

TEST(small_record_takes_at_most_32_bytes) {
    telem_ring_desc d = desc_of(0, 0, 1024, TELEM_RING_OVERWRITE);
    size_t with, without;
    telem_ring_writer w;
    int lane;
    CHECK(TELEM_RING_HEADER + 8 <= 32 && TELEM_RING_SHARED_HEADER + 8 <= 32);
    d.shared_records = 128; /* 1024 / 8 */
    with = telem_ring_bytes(&d);
    d.shared_records = 64;
    without = telem_ring_bytes(&d);
    CHECK_EQ_INT(with - without, 64 * (TELEM_RING_SHARED_HEADER - 8)); /* descriptors; 8 are with the data */
    REQUIRE(make(1, 1024, 1024, TELEM_RING_OVERWRITE));
    for (lane = -1; lane < 1; lane++) {
        uint64_t before = stats().bytes;
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        CHECK_OK(push_n(&w, 1, 1, 8));
        CHECK_EQ_INT(stats().bytes - before, 8 + (lane < 0 ? TELEM_RING_SHARED_HEADER : TELEM_RING_HEADER));
    }
}

TEST(bad_descs_are_refused) {
    telem_ring_desc d = desc_of(1, 1024, 0, 0);
    telem_ring_reader rd;
    telem_ring_writer w;
    telem_ring_reader_desc q = TELEM_ZERO;
    CHECK_EQ_INT(telem_ring_init(NULL, &d), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_init(&ring, NULL), TELEM_ERR_ARG);
    d.memory = NULL;
    CHECK_EQ_INT(telem_ring_init(&ring, &d), TELEM_ERR_ARG);
    d.memory = (char *)memory + 4;
    CHECK_EQ_INT(telem_ring_init(&ring, &d), TELEM_ERR_ARG);
    d = desc_of(1, 1000, 0, 0);
    CHECK_EQ_INT(telem_ring_init(&ring, &d), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_bytes(&d), 0);
    d = desc_of(1, 256, 0, 0);
    CHECK_EQ_INT(telem_ring_init(&ring, &d), TELEM_ERR_ARG);
    d = desc_of(1, 1024, 768, 0);
    CHECK_EQ_INT(telem_ring_init(&ring, &d), TELEM_ERR_ARG);
    d = desc_of(1, 1024, 0, 2);
    CHECK_EQ_INT(telem_ring_init(&ring, &d), TELEM_ERR_ARG);
    d = desc_of(1, 1024, 0, 0);
    d.max_record = 257;
    CHECK_EQ_INT(telem_ring_init(&ring, &d), TELEM_ERR_LIMIT);
    d.max_record = 256;
    d.memory_size = telem_ring_bytes(&d) - 1;
    CHECK_EQ_INT(telem_ring_init(&ring, &d), TELEM_ERR_MEMORY);
    d.memory_size++;
    CHECK_OK(telem_ring_init(&ring, &d));
    CHECK_EQ_INT(telem_ring_writer_init(&w, ring, 1), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_writer_init(&w, ring, TELEM_RING_SHARED), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_writer_init(NULL, ring, 0), TELEM_ERR_ARG);
    q.start = 2;
    CHECK_EQ_INT(telem_ring_reader_init(&rd, ring, &q), TELEM_ERR_ARG);
    q.start = 0;
    q.stream_count = 1;
    CHECK_EQ_INT(telem_ring_reader_init(&rd, ring, &q), TELEM_ERR_ARG);
    q.stream_count = 0;
    q.gating = 1;
    d.policy = TELEM_RING_OVERWRITE;
    CHECK_OK(telem_ring_init(&ring, &d));
    CHECK_EQ_INT(telem_ring_reader_init(&rd, ring, &q), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_peek(NULL, NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_release(NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_push(NULL, 0, 0, NULL, 0), TELEM_ERR_ARG);
}

TEST(zero_sizes_use_the_memory_there_is) {
    telem_ring_desc d = desc_of(3, 0, 0, TELEM_RING_OVERWRITE);
    REQUIRE_OK(telem_ring_init(&ring, &d));
    CHECK_EQ_INT(telem_ring_lane_bytes(ring, 0), 16384);
    CHECK_EQ_INT(telem_ring_lane_bytes(ring, 3), 0);
    CHECK_EQ_INT(telem_ring_max_record(ring), 4096);
    d = desc_of(0, 0, 0, TELEM_RING_OVERWRITE);
    REQUIRE_OK(telem_ring_init(&ring, &d));
    CHECK_EQ_INT(telem_ring_lane_bytes(ring, 0), 32768);
    d.memory_size = 600;
    CHECK_EQ_INT(telem_ring_init(&ring, &d), TELEM_ERR_MEMORY);
}

TEST(lane_has_one_writer_and_is_claimed_and_released) {
    telem_ring_writer a, b, c;
    REQUIRE(make(2, 512, 0, 0));
    CHECK_OK(telem_ring_writer_init(&a, ring, TELEM_RING_CLAIM));
    CHECK_EQ_INT(telem_ring_writer_init(&b, ring, 0), TELEM_ERR_EXISTS);
    CHECK_OK(telem_ring_writer_init(&b, ring, 1));
    CHECK_EQ_INT(telem_ring_writer_init(&c, ring, TELEM_RING_CLAIM), TELEM_FULL);
    CHECK_OK(push_n(&a, 0, 1, 8));
    CHECK_OK(telem_ring_writer_deinit(&a));
    CHECK_EQ_INT(push_n(&a, 0, 1, 8), TELEM_ERR_ARG);
    CHECK_OK(telem_ring_writer_init(&c, ring, TELEM_RING_CLAIM));
    CHECK_OK(push_n(&c, 0, 2, 8));
    CHECK_EQ_INT(stats().committed, 2); /* the lane goes on where its last owner left it */
}

TEST(limits_and_order_of_calls_are_checked) {
    telem_ring_writer w;
    telem_ring_reader rd;
    telem_ring_span s;
    telem_ring_record rec;
    uint8_t buf[2048] = {0};
    int lane;
    for (lane = -1; lane < 1; lane++) {
        REQUIRE(make(1, 1024, 1024, 0));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        CHECK_EQ_INT(telem_ring_push(&w, 0, 0, buf, 257), TELEM_ERR_LIMIT);
        CHECK_EQ_INT(telem_ring_begin(&w, 0, 0, 257, &s), TELEM_ERR_LIMIT);
        CHECK_EQ_INT(telem_ring_push(&w, 0, TELEM_RING_NOW, buf, 1), TELEM_ERR_ARG);
        CHECK_EQ_INT(telem_ring_push(&w, 0, 0, NULL, 1), TELEM_ERR_ARG);
        CHECK_OK(telem_ring_push(&w, 0, 0, NULL, 0));
        CHECK_OK(telem_ring_begin(&w, 0, 0, 10, &s));
        if (lane == 0) CHECK_EQ_INT(telem_ring_push(&w, 0, 0, buf, 1), TELEM_ERR_STATE);
        if (lane == 0) CHECK_EQ_INT(telem_ring_begin(&w, 0, 0, 1, &s), TELEM_ERR_STATE);
        if (lane == 0) CHECK_EQ_INT(telem_ring_writer_deinit(&w), TELEM_ERR_STATE);
        CHECK_EQ_INT(telem_ring_span_write(&w, &s, 5, buf, 6), TELEM_ERR_LIMIT);
        CHECK_EQ_INT(telem_ring_span_write(&w, &s, 11, buf, 0), TELEM_ERR_LIMIT);
        CHECK_OK(telem_ring_span_write(&w, &s, 5, buf, 5));
        CHECK_OK(telem_ring_commit(&w, &s));
        CHECK_EQ_INT(telem_ring_commit(&w, &s), TELEM_ERR_STATE);
        CHECK_EQ_INT(telem_ring_abort(&w, &s), TELEM_ERR_STATE);
        REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
        CHECK_EQ_INT(telem_ring_release(&rd), TELEM_ERR_STATE);
        REQUIRE_OK(telem_ring_peek(&rd, &rec));
        CHECK_EQ_INT(rec.len, 0);
        CHECK_EQ_INT(telem_ring_read(&rd, &rec, buf, sizeof buf), TELEM_ERR_STATE);
        CHECK_OK(telem_ring_release(&rd));
        CHECK_EQ_INT(telem_ring_read(&rd, &rec, buf, 9), TELEM_ERR_MEMORY);
        CHECK_EQ_INT(rec.len, 10);
        CHECK_OK(telem_ring_read(&rd, &rec, buf, 10));
    }
}

TEST(aborted_record_is_never_seen_and_counted) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        telem_ring_span s;
        uint32_t n;
        REQUIRE(make(1, 512, 512, TELEM_RING_OVERWRITE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
        for (n = 0; n < 300; n++) {
            CHECK_OK(telem_ring_begin(&w, 7, -1, n % 100u, &s));
            CHECK_EQ_INT(stats().open, 1);
            CHECK_OK(telem_ring_abort(&w, &s));
            CHECK_OK(push_n(&w, 1, n, len_of(n)));
            REQUIRE_OK(telem_ring_peek(&rd, &rec));
            CHECK_EQ_INT(rec.time, n);
            CHECK(whole(rec.data, n, rec.len));
            CHECK_OK(telem_ring_release(&rd));
        }
        CHECK_EQ_INT(stats().aborted, 300);
        CHECK_EQ_INT(stats().committed, 300);
        CHECK_EQ_INT(stats().offered, 600);
        CHECK_EQ_INT(rd.lost, 0);
    }
}

/* What an aborted record wrote over is gone: claims are not taken back. */
TEST(aborted_record_gives_back_no_byte_it_wrote) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        uint32_t before;
        for (before = 30; before < 100; before++) {
            telem_ring_writer w;
            telem_ring_reader rd, late;
            telem_ring_record rec;
            telem_ring_span s;
            uint32_t n;
            uint8_t buf[128];
            REQUIRE(make(1, 512, 512, TELEM_RING_OVERWRITE));
            REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
            REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
            for (n = 0; n < before; n++) CHECK_OK(push_n(&w, 0, n, 8));
            memset(buf, 0xEE, sizeof buf);
            REQUIRE_OK(telem_ring_begin(&w, 0, n, 128, &s));
            CHECK_OK(telem_ring_span_write(&w, &s, 0, buf, 128));
            CHECK_OK(telem_ring_abort(&w, &s));
            if (before % 2u) { /* nor does the lane's next owner */
                CHECK_OK(telem_ring_writer_deinit(&w));
                REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
            }
            for (; n < before + 3u; n++) {
                CHECK_OK(push_n(&w, 0, n, 8));
                REQUIRE_OK(reader(&late, 0, TELEM_RING_OLDEST));
                while (telem_ring_peek(&late, &rec) == TELEM_OK) {
                    CHECK(rec.len == 8 && whole(rec.data, (uint32_t)rec.time, 8));
                    CHECK_OK(telem_ring_release(&late));
                }
            }
            while (telem_ring_peek(&rd, &rec) == TELEM_OK) {
                CHECK(rec.len == 8 && whole(rec.data, (uint32_t)rec.time, 8));
                CHECK_OK(telem_ring_release(&rd));
            }
            CHECK_EQ_INT(total(&rd), n);
        }
    }
}

TEST(span_is_filled_in_place_across_the_wrap) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        uint32_t n, wrapped = 0;
        REQUIRE(make(1, 512, 512, TELEM_RING_OVERWRITE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
        for (n = 0; n < 200; n++) {
            telem_ring_span s;
            uint8_t buf[128];
            uint32_t len = fill(buf, n, 41u + n % 80u), i;
            REQUIRE_OK(telem_ring_begin(&w, 0, n, len, &s));
            CHECK_EQ_INT(s.size[0] + s.size[1], len);
            wrapped += s.size[1] != 0;
            if (n % 2u) {
                memcpy(s.part[0], buf, s.size[0]);
                if (s.size[1]) memcpy(s.part[1], buf + s.size[0], s.size[1]);
            } else {
                for (i = 0; i < len; i += 5u)
                    CHECK_OK(telem_ring_span_write(&w, &s, i, buf + i, len - i < 5u ? len - i : 5u));
            }
            CHECK_OK(telem_ring_commit(&w, &s));
            REQUIRE_OK(telem_ring_peek(&rd, &rec));
            CHECK(rec.len == len && whole(rec.data, n, len));
            CHECK_OK(telem_ring_release(&rd));
        }
        CHECK(wrapped > 10);
    }
}

TEST(contiguous_record_never_wraps) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_desc d = desc_of(1, 512, 512, TELEM_RING_REFUSE);
        telem_ring_reader_desc q = TELEM_ZERO;
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        uint32_t n;
        d.contiguous = 1;
        REQUIRE_OK(telem_ring_init(&ring, &d));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        q.gating = 1; /* and no copy buffer: all spans are stable and in one piece */
        REQUIRE_OK(telem_ring_reader_init(&rd, ring, &q));
        for (n = 0; n < 500; n++) {
            telem_ring_span s;
            uint32_t len = n * 13u % 128u;
            REQUIRE_OK(telem_ring_begin(&w, 0, n, len, &s));
            CHECK(s.size[0] == len && s.size[1] == 0 && s.part[1] == NULL);
            fill((uint8_t *)s.part[0], n, len);
            CHECK_OK(telem_ring_commit(&w, &s));
            REQUIRE_OK(telem_ring_peek(&rd, &rec));
            CHECK(rec.len == len && whole(rec.data, n, len));
            CHECK_OK(telem_ring_release(&rd));
        }
        CHECK_EQ_INT(total(&rd), 500);
    }
}

TEST(refused_record_is_counted) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        telem_ring_counts c;
        uint32_t n = 0, refused = 0, got = 0, i;
        REQUIRE(make(1, 512, 512, TELEM_RING_REFUSE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(reader(&rd, 1, TELEM_RING_OLDEST));
        for (i = 0; i < 50; i++, n++) {
            telem_result res = push_n(&w, 9, n, 8);
            CHECK(res == TELEM_OK || res == TELEM_FULL);
            refused += res == TELEM_FULL;
        }
        CHECK(refused > 0);
        c = stats();
        CHECK_EQ_INT(c.refused, refused);
        CHECK_EQ_INT(c.committed, n - refused);
        CHECK_EQ_INT(c.offered, n);
        CHECK_EQ_INT(c.refused_stream, 9);
        CHECK_EQ_INT(c.refused_first, n - refused);
        CHECK_EQ_INT(c.refused_last, n - 1);
        while (telem_ring_peek(&rd, &rec) == TELEM_OK) {
            CHECK_EQ_INT(rec.time, got);
            CHECK(whole(rec.data, got, 8));
            got++;
            CHECK_OK(telem_ring_release(&rd));
        }
        CHECK_EQ_INT(got, n - refused);
        CHECK_OK(push_n(&w, 9, n, 8)); /* space is back */
        CHECK_EQ_INT(total(&rd), got + 1);
    }
}

TEST(full_lane_holds_what_its_size_says) {
    telem_ring_writer w;
    telem_ring_reader rd;
    uint32_t n = 0;
    REQUIRE(make(1, 512, 512, TELEM_RING_REFUSE));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
    REQUIRE_OK(reader(&rd, 1, TELEM_RING_OLDEST));
    while (push_n(&w, 0, n, 16) == TELEM_OK) n++;
    CHECK_EQ_INT(n, 512 / 24);
    REQUIRE_OK(telem_ring_writer_init(&w, ring, TELEM_RING_SHARED));
    for (n = 0; push_n(&w, 0, n, 16) == TELEM_OK; n++) {}
    CHECK_EQ_INT(n, 512 / 24);
}

TEST(without_gating_readers_nothing_is_refused) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_writer w;
        uint32_t n;
        REQUIRE(make(1, 512, 512, TELEM_RING_REFUSE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        for (n = 0; n < 1000; n++) CHECK_OK(push_n(&w, 0, n, len_of(n)));
    }
}

TEST(slowest_gating_reader_decides) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_writer w;
        telem_ring_reader a, b;
        telem_ring_record rec;
        uint32_t n = 0, i;
        REQUIRE(make(1, 512, 512, TELEM_RING_REFUSE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(reader(&a, 1, TELEM_RING_OLDEST));
        REQUIRE_OK(reader(&b, 1, TELEM_RING_OLDEST));
        while (push_n(&w, 0, n, 40) == TELEM_OK) n++;
        for (i = 0; i < n; i++) {
            CHECK_OK(telem_ring_peek(&a, &rec));
            CHECK_OK(telem_ring_release(&a));
        }
        CHECK_EQ_INT(push_n(&w, 0, n, 40), TELEM_FULL);
        CHECK_OK(telem_ring_peek(&b, &rec));
        CHECK_EQ_INT(rec.time, 0);
        CHECK_OK(telem_ring_release(&b));
        CHECK_OK(push_n(&w, 0, n, 40));
        telem_ring_reader_deinit(&b);
        for (i = 0; i < n - 1u; i++) CHECK_OK(push_n(&w, 0, n + 1u + i, 40));
        CHECK_EQ_INT(total(&a), 2 * n);
    }
}

TEST(lapped_reader_knows_exactly_how_many_it_lost) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        telem_ring_loss loss;
        uint64_t rng = check_seed(), lost = 0;
        uint32_t n = 0, next = 0, round;
        REQUIRE(make(1, 512, 512, TELEM_RING_OVERWRITE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
        CHECK_EQ_INT(telem_ring_reader_loss(&rd, &loss), TELEM_EMPTY);
        for (round = 0; round < 400; round++) {
            uint32_t burst = (uint32_t)(check_rand(&rng) % 90u);
            while (burst-- > 0) {
                CHECK_OK(push_n(&w, 0, n, len_of(n)));
                n++;
            }
            CHECK_EQ_INT(total(&rd), n);
            while (telem_ring_peek(&rd, &rec) == TELEM_OK) {
                CHECK(rec.time >= next);
                CHECK(whole(rec.data, (uint32_t)rec.time, rec.len) && rec.len == len_of((uint32_t)rec.time));
                if (rec.time > next) {
                    REQUIRE_OK(telem_ring_reader_loss(&rd, &loss));
                    CHECK_EQ_INT(loss.count, rec.time - next);
                    CHECK_EQ_INT(loss.first, next ? (int64_t)next - 1 : INT64_MIN);
                    CHECK_EQ_INT(loss.last, rec.time);
                    lost += loss.count;
                }
                next = (uint32_t)rec.time + 1u;
                CHECK_OK(telem_ring_release(&rd));
            }
            CHECK_EQ_INT(next, n);
        }
        CHECK(lost > 1000);
        CHECK_EQ_INT(rd.lost, lost);
        CHECK_EQ_INT(rd.delivered + lost, n);
        CHECK_EQ_INT(telem_ring_reader_loss(&rd, &loss), TELEM_EMPTY);
    }
}

TEST(reader_starts_at_the_oldest_or_now) {
    int lane, policy;
    for (lane = -1; lane < 1; lane++)
        for (policy = 0; policy < 2; policy++) {
            telem_ring_writer w;
            telem_ring_reader a, b, g;
            telem_ring_record rec;
            uint32_t n;
            REQUIRE(make(1, 512, 512, (uint32_t)policy));
            REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
            for (n = 0; n < 100; n++) {
                CHECK_OK(push_n(&w, 0, n, len_of(n)));
                REQUIRE_OK(reader(&a, 0, TELEM_RING_OLDEST));
                REQUIRE_OK(telem_ring_peek(&a, &rec));
                CHECK(whole(rec.data, (uint32_t)rec.time, rec.len));
                CHECK_EQ_INT(total(&a), n - rec.time + 1);
                if (n < 3) CHECK_EQ_INT(rec.time, 0);
                REQUIRE_OK(reader(&b, policy == TELEM_RING_REFUSE, TELEM_RING_LATEST));
                CHECK_EQ_INT(telem_ring_peek(&b, &rec), TELEM_EMPTY);
                CHECK_EQ_INT(total(&b), 0);
                telem_ring_reader_deinit(&b);
                if (policy == TELEM_RING_REFUSE) {
                    REQUIRE_OK(reader(&g, 1, TELEM_RING_OLDEST));
                    CHECK_EQ_INT(total(&g), total(&a));
                    telem_ring_reader_deinit(&g);
                }
            }
        }
}

static int odd_only(void *user, uint32_t stream, int64_t time, const void *rec, uint32_t len) {
    (void)stream;
    ++*(int *)user;
    CHECK(whole(rec, (uint32_t)time, len));
    return (int)(time & 1);
}

TEST(filters_pass_what_they_say_and_count_the_rest) {
    telem_ring_writer w, v;
    telem_ring_reader rd;
    telem_ring_record rec;
    telem_ring_reader_desc q = TELEM_ZERO;
    uint32_t want[2] = {3, 1000000}, n, seen = 0;
    int calls = 0;
    telem_ring_reader_counts c;
    REQUIRE(make(1, 4096, 4096, TELEM_RING_OVERWRITE));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
    REQUIRE_OK(telem_ring_writer_init(&v, ring, TELEM_RING_SHARED));
    q.streams = want, q.stream_count = 2;
    q.filter = odd_only, q.filter_user = &calls;
    q.copy = copy_buf, q.copy_size = sizeof copy_buf;
    REQUIRE_OK(telem_ring_reader_init(&rd, ring, &q));
    for (n = 0; n < 90; n++) CHECK_OK(push_n(n % 2u ? &v : &w, n % 3u == 0 ? 1000000u : n % 3u, n, 12));
    while (telem_ring_peek(&rd, &rec) == TELEM_OK) {
        CHECK(rec.stream == 1000000 && rec.time % 2 == 1);
        seen++;
        CHECK_OK(telem_ring_release(&rd));
    }
    CHECK_EQ_INT(seen, 15);
    CHECK_EQ_INT(calls, 30);
    REQUIRE_OK(telem_ring_reader_stats(&rd, &c));
    CHECK_EQ_INT(c.filtered, 75);
    CHECK_EQ_INT(total(&rd), 90);
}

TEST(lanes_are_merged_by_time) {
    telem_ring_writer w[5];
    telem_ring_reader rd;
    telem_ring_record rec;
    uint64_t rng = check_seed();
    uint32_t n, i;
    REQUIRE(make(4, 4096, 4096, TELEM_RING_OVERWRITE));
    for (i = 0; i < 5; i++) REQUIRE_OK(telem_ring_writer_init(&w[i], ring, (int)i - 1));
    REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
    for (n = 0; n < 200; n++) CHECK_OK(push_n(&w[check_rand(&rng) % 5u], 0, n, len_of(n)));
    for (n = 0; n < 200; n++) {
        REQUIRE_OK(telem_ring_peek(&rd, &rec));
        CHECK_EQ_INT(rec.time, n);
        CHECK_OK(telem_ring_release(&rd));
    }
    CHECK_EQ_INT(telem_ring_peek(&rd, &rec), TELEM_EMPTY);
}

/* One record by one of the three ways. */
static telem_result take_one(telem_ring_reader *rd, telem_ring_record *rec, uint64_t *rng) {
    uint32_t how = (uint32_t)(check_rand(rng) % 3u);
    telem_result res;
    if (how == 0) return telem_ring_read(rd, rec, copy_buf, sizeof copy_buf);
    res = how == 1 ? telem_ring_peek_inline(rd, rec) : telem_ring_peek(rd, rec);
    if (res != TELEM_OK) return res;
    CHECK_EQ_INT(telem_ring_read(rd, rec, copy_buf, sizeof copy_buf), TELEM_ERR_STATE);
    if (check_rand(rng) % 2u) CHECK_OK(telem_ring_peek_inline(rd, rec)); /* the same again */
    memcpy(copy_buf, rec->data, rec->len);
    rec->data = copy_buf;
    return check_rand(rng) % 2u ? telem_ring_release_inline(rd) : telem_ring_release(rd);
}

/* All that is there is merged by stamp, whatever these are, equal ones by lane. */
TEST(any_stamps_are_merged_however_they_are_read) {
    static int64_t stamp[4][40];
    static const int64_t base[4] = {0, -3, 0xFFFFFFFC, INT64_MAX - 5};
    uint64_t rng = check_seed();
    uint32_t round, i, n, at[4];
    for (round = 0; round < (check_quick() ? 30u : 300u); round++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        REQUIRE(make(3, 2048, 2048, TELEM_RING_REFUSE));
        REQUIRE_OK(reader(&rd, round % 2u == 0, TELEM_RING_OLDEST));
        for (i = 0; i < 4u; i++) {
            REQUIRE_OK(telem_ring_writer_init(&w, ring, i < 3u ? (int)i : TELEM_RING_SHARED));
            for (n = 0; n < 40u; n++) {
                stamp[i][n] =
                    base[check_rand(&rng) % (round % 3u ? 1u : 4u)] + (int64_t)(check_rand(&rng) % 6u);
                CHECK_OK(telem_ring_push_inline(&w, n, stamp[i][n], &stamp[i][n], 8));
            }
            at[i] = 0;
        }
        for (n = 0; n < 160u; n++) {
            uint32_t best = 4;
            int64_t got;
            for (i = 0; i < 4u; i++)
                if (at[i] < 40u && (best == 4u || stamp[i][at[i]] < stamp[best][at[best]])) best = i;
            REQUIRE_OK(take_one(&rd, &rec, &rng));
            memcpy(&got, rec.data, 8);
            CHECK(rec.lane == best && rec.stream == at[best] && rec.time == stamp[best][at[best]] &&
                  got == rec.time);
            at[best]++;
            CHECK_EQ_INT(total(&rd), 160);
        }
        CHECK_EQ_INT(telem_ring_peek_inline(&rd, &rec), TELEM_EMPTY);
        telem_ring_reader_deinit(&rd);
    }
}

/* Stamps of one clock come in order while writers go on, and nothing is counted twice. */
TEST(stamps_of_one_clock_come_in_order_while_writers_go_on) {
    uint64_t rng = check_seed();
    int gating;
    for (gating = 0; gating < 2; gating++) {
        telem_ring_writer w[4];
        telem_ring_reader rd;
        telem_ring_record rec;
        uint32_t i, n = 0, got = 0;
        REQUIRE(make(3, 1024, 1024, TELEM_RING_REFUSE));
        REQUIRE_OK(reader(&rd, gating, TELEM_RING_OLDEST));
        for (i = 0; i < 4u; i++) REQUIRE_OK(telem_ring_writer_init(&w[i], ring, (int)i - 1));
        while (n < 5000u) {
            for (i = (uint32_t)(check_rand(&rng) % 6u); i > 0; i--, n++)
                CHECK_OK(push_n(&w[check_rand(&rng) % 4u], 0, n, 8u + n % 9u));
            while (got + 20u < n || (got < n && check_rand(&rng) % 4u)) {
                REQUIRE_OK(take_one(&rd, &rec, &rng));
                CHECK(rec.time == got && whole(rec.data, got, rec.len));
                got++;
            }
            CHECK_EQ_INT(total(&rd), n);
        }
        telem_ring_reader_deinit(&rd);
    }
}

TEST(expelled_in_any_lane_with_a_record_in_hand) {
    uint32_t lane;
    for (lane = 0; lane < 3u; lane++) {
        telem_ring_writer w[3];
        telem_ring_reader rd;
        telem_ring_reader_desc q = TELEM_ZERO;
        telem_ring_record rec;
        uint32_t i, n = 0;
        REQUIRE(make(3, 512, 0, TELEM_RING_REFUSE));
        q.gating = 1, q.timeout = 1000, q.copy = copy_buf2, q.copy_size = sizeof copy_buf2;
        REQUIRE_OK(telem_ring_reader_init(&rd, ring, &q));
        for (i = 0; i < 3u; i++) REQUIRE_OK(telem_ring_writer_init(&w[i], ring, (int)i));
        while (push_n(&w[lane], 0, n, 8) == TELEM_OK) n++;
        for (i = 0; i < 5u; i++) {
            REQUIRE_OK(telem_ring_peek_inline(&rd, &rec));
            CHECK(rec.lane == lane && rec.time == i);
            if (i < 4u) CHECK_OK(telem_ring_release_inline(&rd));
        }
        while (push_n(&w[lane], 0, n, 8) == TELEM_OK) n++;
        CHECK_EQ_INT(push_n(&w[lane], 0, n + 2000u, 8), TELEM_OK);
        CHECK_EQ_INT(stats().expelled, 1);
        CHECK_EQ_INT(total(&rd), stats().committed);
        CHECK_EQ_INT(telem_ring_release_inline(&rd), TELEM_EXPELLED);
        CHECK(rd.delivered == 4 && rd.lost == 1);
        CHECK_EQ_INT(total(&rd), stats().committed);
        while (telem_ring_peek_inline(&rd, &rec) == TELEM_OK) CHECK_OK(telem_ring_release_inline(&rd));
        CHECK_EQ_INT(total(&rd), stats().committed);
        telem_ring_reader_deinit(&rd);
    }
}

TEST(many_lanes_need_cursors_from_the_caller) {
    static uint64_t cursors[TELEM_RING_CURSOR_BYTES(20) / 8 + 1];
    telem_ring_reader rd;
    telem_ring_reader_desc q = TELEM_ZERO;
    telem_ring_writer w;
    telem_ring_record rec;
    uint64_t value = 0;
    REQUIRE(make(20, 1024, 1024, TELEM_RING_OVERWRITE));
    CHECK_EQ_INT(telem_ring_reader_init(&rd, ring, &q), TELEM_ERR_MEMORY);
    q.cursors = cursors, q.cursors_size = TELEM_RING_CURSOR_BYTES(20) - 1;
    CHECK_EQ_INT(telem_ring_reader_init(&rd, ring, &q), TELEM_ERR_MEMORY);
    q.cursors_size++;
    REQUIRE_OK(telem_ring_reader_init(&rd, ring, &q));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, 19));
    CHECK_OK(telem_ring_push(&w, 4, 5, "12345678", 8));
    CHECK_OK(telem_ring_read(&rd, &rec, &value, 8));
    CHECK_EQ_INT(rec.lane, 19);
}

TEST(gating_table_is_bounded) {
    telem_ring_reader rd[5];
    int i;
    REQUIRE(make(1, 512, 0, TELEM_RING_REFUSE));
    for (i = 0; i < 4; i++) CHECK_OK(reader(&rd[i], 1, 0));
    CHECK_EQ_INT(reader(&rd[4], 1, 0), TELEM_FULL);
    telem_ring_reader_deinit(&rd[2]);
    CHECK_OK(reader(&rd[4], 1, 0));
    CHECK_OK(reader(&rd[2], 0, 0)); /* others need no place in it */
}

TEST(damaged_memory_is_corrupt_and_no_endless_loop) {
    /* an empty pad, a huge pad, a huge record, one too long for the ring, one that is not there */
    uint32_t bad[5][2] = {{0xFFFEu, 0}, {0xFFFEu, 0x7FFFFFFFu}, {0xFFF0u, 0}, {0xFFFFu, 0}, {120u, 0}};
    size_t i;
    for (i = 0; i < 5; i++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        uint32_t n;
        REQUIRE(make(1, 512, 0, TELEM_RING_REFUSE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
        REQUIRE_OK(reader(&rd, 1, TELEM_RING_OLDEST));
        for (n = 0; n < 4; n++) CHECK_OK(push_n(&w, 0, n, 8));
        if (sizeof(telem_i_ring_cell) == 8u) { /* the first record's head: one word, or two */
            uint64_t head = bad[i][0] | (uint64_t)bad[i][1] << 32;
            memcpy((char *)w.data + (ring_start & w.mask) * 8u, &head, 8);
        } else {
            memcpy((char *)w.data + (ring_start & w.mask) * 8u, bad[i], 8);
        }
        if (i == 3) memset((char *)w.data + ((ring_start + 1u) & w.mask) * 8u, 0xFF, 8);
        CHECK_EQ_INT(telem_ring_peek(&rd, &rec), TELEM_ERR_CORRUPT);
    }
}

static uint64_t ms_ticks(void *user) {
    return ++*(uint64_t *)user * 180000u & 0xFFFFFFu;
} /* 1 ms a look, 180 MHz */

TEST(stall_on_a_narrow_clock_is_over_within_half_a_wrap) {
    uint64_t looks = 0;
    telem_ring_desc d = desc_of(0, 0, 1024, TELEM_RING_OVERWRITE);
    telem_clock c = TELEM_ZERO;
    telem_ring_writer w;
    telem_ring_reader rd;
    telem_ring_span parked;
    telem_ring_record rec;
    int i;
    c.read = ms_ticks, c.user = &looks, c.bits = 24,
    c.hz_num = 180000000; /* wraps in 93 ms, the wait is 100 */
    d.clock = &c;
    REQUIRE_OK(telem_ring_init(&ring, &d));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, TELEM_RING_SHARED));
    REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
    REQUIRE_OK(telem_ring_begin(&w, 1, 1, 8, &parked));
    REQUIRE_OK(telem_ring_push(&w, 1, 2, "behind it", 8));
    for (i = 0; i < 1000 && telem_ring_peek(&rd, &rec) != TELEM_OK; i++) {}
    CHECK(i < 100);
}

TEST(dead_gating_reader_is_expelled_and_told) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_writer w;
        telem_ring_reader dead, live;
        telem_ring_reader_desc q = TELEM_ZERO;
        telem_ring_record rec, r2;
        telem_ring_loss loss;
        uint32_t n = 0, full = 0, committed, got = 0;
        REQUIRE(make(1, 512, 512, TELEM_RING_REFUSE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        q.gating = 1, q.timeout = 1000, q.copy = copy_buf2, q.copy_size = sizeof copy_buf2;
        REQUIRE_OK(telem_ring_reader_init(&dead, ring, &q));
        while (push_n(&w, 0, n, 8) == TELEM_OK) n++;
        full = n;
        REQUIRE_OK(telem_ring_peek(&dead, &rec));
        CHECK_EQ_INT(push_n(&w, 0, n + 999u, 8), TELEM_FULL);
        CHECK_OK(telem_ring_release(&dead)); /* it moved: the time starts anew */
        while (push_n(&w, 0, n + 1000u, 8) == TELEM_OK) full++;
        CHECK_EQ_INT(push_n(&w, 0, n + 1999u, 8), TELEM_FULL);
        REQUIRE_OK(telem_ring_peek(&dead, &rec)); /* and dies with a record in its hands */
        CHECK_OK(push_n(&w, 0, n + 2000u, 8));
        CHECK_EQ_INT(stats().expelled, 1);
        committed = (uint32_t)stats().committed;
        CHECK_EQ_INT(telem_ring_release(&dead), TELEM_EXPELLED);
        CHECK_EQ_INT(dead.lost, 1);
        while (telem_ring_read(&dead, &r2, copy_buf, sizeof copy_buf) == TELEM_OK) got++;
        CHECK(got > 0);
        CHECK_EQ_INT(total(&dead), committed);
        CHECK_OK(telem_ring_reader_loss(&dead, &loss));
        telem_ring_reader_deinit(&dead);
        REQUIRE_OK(reader(&live, 1, TELEM_RING_LATEST)); /* the place is free again */
        telem_ring_reader_deinit(&live);
    }
}

TEST(peeked_span_is_stable_until_release) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec, again;
        uint32_t n = 0, i;
        REQUIRE(make(1, 512, 512, TELEM_RING_REFUSE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(reader(&rd, 1, TELEM_RING_OLDEST));
        CHECK_OK(push_n(&w, 0, n++, 24));
        REQUIRE_OK(telem_ring_peek(&rd, &rec));
        CHECK((const char *)rec.data >= (const char *)memory &&
              (const char *)rec.data < (const char *)memory + sizeof memory);
        for (i = 0; i < 100; i++) (void)push_n(&w, 0, n++, 24);
        CHECK(whole(rec.data, 0, 24));
        REQUIRE_OK(telem_ring_peek(&rd, &again));
        CHECK(again.data == rec.data && again.time == 0);
        CHECK_OK(telem_ring_release(&rd));
    }
}

TEST(peek_without_copy_buffer_says_so) {
    telem_ring_writer w;
    telem_ring_reader rd;
    telem_ring_reader_desc q = TELEM_ZERO;
    telem_ring_record rec;
    REQUIRE(make(1, 512, 0, TELEM_RING_OVERWRITE));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
    REQUIRE_OK(telem_ring_reader_init(&rd, ring, &q));
    CHECK_OK(push_n(&w, 0, 0, 24));
    CHECK_OK(push_n(&w, 0, 1, 0));
    CHECK_EQ_INT(telem_ring_peek(&rd, &rec), TELEM_ERR_MEMORY);
    CHECK_EQ_INT(rec.len, 24);
    CHECK_EQ_INT(telem_ring_peek(&rd, &rec), TELEM_ERR_MEMORY);
    CHECK_OK(telem_ring_release(&rd)); /* skips it */
    CHECK_EQ_INT(rd.lost, 1);
    CHECK_OK(telem_ring_peek(&rd, &rec));
    CHECK_EQ_INT(rec.time, 1);
    CHECK_OK(telem_ring_release(&rd));
    CHECK_EQ_INT(total(&rd), 2);
}

/* ---- clocks ---- */

static uint64_t ticks_now;
static uint64_t read_ticks(void *user) { (void)user; return ticks_now & 0xFFFFu; }

TEST(stall_left_open_is_about_a_tenth_of_a_second) {
    static const struct {
        uint64_t num;
        uint32_t den;
    } hz[] = {{1000000000u, 1},   {32768, 1},    {1000, 1}, {24000000, 1},
              {2400000000u, 100}, {90000, 1001}, {1, 1}};
    uint32_t i;
    for (i = 0; i < sizeof hz / sizeof hz[0]; i++) {
        telem_ring_desc d = TELEM_ZERO;
        telem_clock c = TELEM_ZERO;
        uint64_t ms;
        c.read = read_ticks, c.bits = 64, c.hz_num = hz[i].num, c.hz_den = hz[i].den;
        d.memory = memory, d.memory_size = sizeof memory, d.shared_bytes = 1024, d.clock = &c;
        REQUIRE_OK(telem_ring_init(&ring, &d));
        ms = ring->stall * hz[i].den * 1000u; /* times num */
        CHECK((ms <= 126u * hz[i].num || ring->stall == 1) && ms > 62u * hz[i].num);
    }
}

TEST(now_reads_the_clock_and_extends_it) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_clock clock = TELEM_ZERO;
        telem_ring_desc d = desc_of(1, 512, 512, TELEM_RING_OVERWRITE);
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        uint32_t n;
        clock.read = read_ticks, clock.bits = 16, clock.hz_num = 1000000;
        d.clock = &clock;
        ticks_now = 100;
        REQUIRE_OK(telem_ring_init(&ring, &d));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
        for (n = 0; n < 50; n++, ticks_now += 20011) {
            CHECK_OK(telem_ring_push(&w, 0, TELEM_RING_NOW, &n, 4));
            REQUIRE_OK(telem_ring_peek(&rd, &rec));
            CHECK_EQ_INT(rec.time, ticks_now);
            CHECK_OK(telem_ring_release(&rd));
            if (n == 25 && lane == 0) { /* the lane changes hands */
                CHECK_OK(telem_ring_writer_deinit(&w));
                REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
            }
        }
        ticks_now += 1000000; /* a silence of many wraps */
        CHECK_OK(telem_ring_sync(&w, (int64_t)ticks_now + 5000));
        CHECK_OK(telem_ring_push(&w, 0, TELEM_RING_NOW, &n, 4));
        REQUIRE_OK(telem_ring_peek(&rd, &rec));
        CHECK_EQ_INT(rec.time, ticks_now);
    }
}

/* ---- heads: any stream, any stamp, any length ---- */

static uint64_t large[1 << 18]; /* 2 MB */
static uint8_t payload[1 << 17], back[1 << 17];

static int64_t odd_time(uint64_t *rng) {
    uint64_t t = check_rand(rng);
    switch (check_rand(rng) % 4u) {
    case 0: return (int64_t)(t >> 1) - (int64_t)(t >> 3) * 2;
    case 1: return (int64_t)(t % 1000u) - 500;
    case 2: return (int64_t)(0xFFFFFFFFu - 100u + t % 200u);
    default: return (int64_t)t == TELEM_RING_NOW ? 0 : (int64_t)t;
    }
}

TEST(any_stream_time_and_length_come_back) {
    static const uint32_t streams[] = {0,     1,     253,   254,         255,         256,
                                       65534, 65535, 65536, 0xFFFFFFFEu, 0xFFFFFFFFu, 0xFFFFFF00u};
    static const uint32_t lens[] = {0, 1, 8, 100, 65519, 65520, 65521, 65535, 65536, 100000, 12, 30};
    int lane, contiguous, gating, how;
    for (lane = -1; lane < 1; lane++)
        for (contiguous = 0; contiguous < 2; contiguous++)
            for (gating = 0; gating < 2; gating++)
                for (how = 0; how < 2; how++) {
                    telem_ring_desc d = desc_of(1, 1 << 19, 1 << 19, TELEM_RING_REFUSE);
                    telem_ring_writer w;
                    telem_ring_reader rd;
                    telem_ring_reader_desc q = TELEM_ZERO;
                    static uint64_t room[300000 / 8];
                    uint64_t rng = check_seed(), start = ring_start;
                    uint32_t n;
                    ring_start &= ~(uint64_t)0xFFFF; /* the start of a lane's block */
                    d.memory = large, d.memory_size = sizeof large, d.contiguous = (uint8_t)contiguous;
                    REQUIRE_OK(telem_ring_init(&ring, &d));
                    REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
                    q.gating = (uint8_t)gating, q.copy = room, q.copy_size = how ? 131072 : sizeof room;
                    REQUIRE_OK(telem_ring_reader_init(&rd, ring, &q));
                    for (n = 0; n < 50; n++) {
                        uint32_t stream = streams[check_rand(&rng) % 12u], len = lens[check_rand(&rng) % 12u],
                                 i;
                        int64_t time = odd_time(&rng);
                        telem_ring_record rec;
                        telem_result res;
                        for (i = 0; i < len; i += 997u) payload[i] = (uint8_t)(n + i);
                        if (len) payload[len - 1u] = (uint8_t)n;
                        if (n % 3u) CHECK_OK(telem_ring_push_inline(&w, stream, time, payload, len));
                        else CHECK_OK(telem_ring_push(&w, stream, time, payload, len));
                        if (n % 5u == 4u) CHECK_OK(telem_ring_push_inline(&w, 3, time, payload, 5));
                        do
                            res = n % 2u ? telem_ring_peek(&rd, &rec)
                                         : telem_ring_read(&rd, &rec, back, sizeof back);
                        while (res == TELEM_AGAIN);
                        REQUIRE_OK(res);
                        CHECK_EQ_INT(rec.stream, stream);
                        CHECK_EQ_INT(rec.time, time);
                        REQUIRE(rec.len == len);
                        CHECK(memcmp(rec.data, payload, len) == 0);
                        if (n % 2u) CHECK_OK(telem_ring_release(&rd));
                        if (n % 5u != 4u) continue;
                        REQUIRE_OK(telem_ring_read(&rd, &rec, back, sizeof back));
                        CHECK(rec.stream == 3 && rec.time == time && rec.len == 5);
                    }
                    CHECK_EQ_INT(total(&rd), 60);
                    CHECK_EQ_INT(rd.lost, 0);
                    ring_start = start;
                }
}

/* Stamps whose upper half changes often, a reader that is lapped all the time. */
TEST(stamps_are_right_behind_every_gap) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_writer w;
        telem_ring_reader rd, late;
        telem_ring_record rec;
        uint64_t rng = check_seed();
        uint32_t n, i;
        REQUIRE(make(1, 512, 512, TELEM_RING_OVERWRITE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
        for (n = 0; n < 8000; n++) {
            uint64_t value = (uint64_t)n * 0x123456789u;
            CHECK_OK(telem_ring_push_inline(&w, 1, (int64_t)value, &value, 8));
            if (n % 1000u == 999u) { /* the lane changes hands */
                CHECK_OK(telem_ring_writer_deinit(&w));
                REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
            }
            if (check_rand(&rng) % 16u) continue;
            if (rd.desc.copy == copies[copies_used % 8u]) copies_used++;
            REQUIRE_OK(reader(&late, 0, (uint8_t)(n % 2u)));
            for (i = (uint32_t)(check_rand(&rng) % 30u); i > 0; i--) {
                telem_ring_reader *r = i % 2u ? &rd : &late;
                if (telem_ring_peek(r, &rec) != TELEM_OK) continue;
                CHECK(memcmp(rec.data, &rec.time, 8) == 0);
                CHECK_OK(telem_ring_release(r));
            }
            if (n % 2u) {
                value += 7u;
                CHECK_OK(telem_ring_push(&w, 1, (int64_t)value, &value, 8));
                REQUIRE_OK(telem_ring_peek(&late, &rec));
                while (telem_ring_peek(&late, &rec) == TELEM_OK) {
                    CHECK(memcmp(rec.data, &rec.time, 8) == 0);
                    CHECK_OK(telem_ring_release(&late));
                }
            }
        }
        CHECK(rd.lost > 0);
    }
}

/* ---- the inline forms, batches ---- */

/* Wait-free: a bounded number of steps, none of them a read-modify-write, whatever readers do. */
TEST(lane_is_written_without_read_modify_write_in_bounded_steps) {
    uint32_t policy;
    for (policy = 0; policy < 2u; policy++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        uint32_t n, most = 0, was;
        REQUIRE(make(1, 1024, 1024, policy));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
        REQUIRE_OK(reader(&rd, policy == TELEM_RING_REFUSE, TELEM_RING_OLDEST));
        for (n = 0; n < 3000u; n++) {
            int kind = (int)(n % 4u);
            telem_ring_span s;
            telem_ring_item it[2];
            memset(it, 0, sizeof it);
            it[0].len = it[1].len = 8, it[0].data = it[1].data = payload;
            was = rmw_count;
            point_count = 0, point_at = -1, point_call = abort; /* counts */
            if (kind == 0) (void)telem_ring_push(&w, 1, (int64_t)n << (n % 40u), payload, 8);
            else if (kind == 1) (void)telem_ring_push_inline(&w, 1, n, payload, 8);
            else if (kind == 2) (void)telem_ring_push_batch(&w, it, 2, NULL);
            else if (telem_ring_begin(&w, 1, n, 8, &s) == TELEM_OK)
                (void)(n % 8u < 4u ? telem_ring_commit(&w, &s) : telem_ring_abort(&w, &s));
            point_call = NULL;
            CHECK_EQ_INT(rmw_count, was);
            if (point_count > (int)most) most = (uint32_t)point_count;
            while (n % 128u == 0 && telem_ring_peek(&rd, &rec) == TELEM_OK) (void)telem_ring_release(&rd);
        }
        CHECK(most <= 60u);
        CHECK(policy == TELEM_RING_OVERWRITE || stats().refused > 0);
        telem_ring_reader_deinit(&rd);
    }
}

TEST(begin_whole_gives_one_piece_in_any_ring) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        telem_ring_span s;
        uint32_t n, two = 0;
        REQUIRE(make(1, 512, 512, TELEM_RING_OVERWRITE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
        for (n = 0; n < 500u; n++) {
            uint32_t len = 1u + n * 7u % 120u;
            if (n % 5u) {
                REQUIRE_OK(telem_ring_begin_whole(&w, 1, n, len, &s));
                CHECK(s.part[1] == NULL && s.size[0] == len && s.size[1] == 0);
                fill((uint8_t *)s.part[0], n, len);
            } else {
                REQUIRE_OK(telem_ring_begin(&w, 1, n, len, &s));
                two += s.part[1] != NULL;
                CHECK_OK(telem_ring_span_write(&w, &s, 0, payload, fill(payload, n, len)));
            }
            CHECK_OK(telem_ring_commit(&w, &s));
            REQUIRE_OK(telem_ring_peek(&rd, &rec));
            CHECK(rec.time == n && rec.len == len && whole(rec.data, n, len));
            CHECK_OK(telem_ring_release(&rd));
        }
        CHECK(two > 0); /* that the wrap was there to be avoided */
        CHECK_EQ_INT(total(&rd), stats().committed);
    }
}

/* INT64_MIN says NOW; stamps beside it are stamps. */
TEST(now_is_told_from_the_stamps_beside_it) {
    telem_ring_writer w;
    telem_ring_reader rd;
    telem_ring_record rec;
    int64_t t;
    REQUIRE(make(1, 1024, 0, TELEM_RING_OVERWRITE));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
    REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
    for (t = INT64_MIN + 1; t < INT64_MIN + 20; t++) {
        CHECK_OK(telem_ring_push_inline(&w, 1, t, payload, 8));
        CHECK_OK(telem_ring_push(&w, 1, t, payload, 8));
        CHECK_EQ_INT(telem_ring_push_inline(&w, 1, TELEM_RING_NOW, payload, 8), TELEM_ERR_ARG); /* no clock */
        CHECK_EQ_INT(telem_ring_push(&w, 1, TELEM_RING_NOW, payload, 8), TELEM_ERR_ARG);
    }
    for (t = 2; telem_ring_read(&rd, &rec, copy_buf, 8) == TELEM_OK; t++)
        CHECK(rec.time == INT64_MIN + t / 2);
    CHECK_EQ_INT(t, 40);
    CHECK_EQ_INT(total(&rd), 38);
}

TEST(inline_calls_answer_as_the_functions) {
    telem_ring_writer w;
    telem_ring_reader rd;
    telem_ring_record rec;
    telem_ring_span s;
    uint32_t n;
    int lane;
    for (lane = -1; lane < 1; lane++) {
        REQUIRE(make(1, 1024, 1024, TELEM_RING_REFUSE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(reader(&rd, 1, TELEM_RING_OLDEST));
        CHECK_EQ_INT(telem_ring_push_inline(&w, 0, 0, payload, 257), TELEM_ERR_LIMIT);
        CHECK_EQ_INT(telem_ring_push_inline(&w, 0, TELEM_RING_NOW, payload, 8), TELEM_ERR_ARG);
        for (n = 0; n < 400; n++) {
            CHECK_OK(telem_ring_begin_inline(&w, 2, n, len_of(n), &s));
            CHECK(s.part[1] == NULL && s.size[0] == len_of(n));
            CHECK_EQ_INT(stats().open, 1);
            if (lane == 0) CHECK_EQ_INT(telem_ring_push_inline(&w, 0, 0, payload, 8), TELEM_ERR_STATE);
            if (lane == 0) CHECK_EQ_INT(telem_ring_push(&w, 0, 0, payload, 8), TELEM_ERR_STATE);
            if (lane == 0) CHECK_EQ_INT(telem_ring_begin_inline(&w, 0, 0, 8, &s), TELEM_ERR_STATE);
            if (n % 3u) fill((uint8_t *)s.part[0], n, len_of(n));
            else CHECK_OK(telem_ring_span_write(&w, &s, 0, payload, fill(payload, n, len_of(n))));
            if (n % 7u == 6u) CHECK_OK(telem_ring_abort(&w, &s));
            else if (n % 2u) CHECK_OK(telem_ring_commit(&w, &s));
            else CHECK_OK(telem_ring_commit_inline(&w, &s));
            CHECK_EQ_INT(telem_ring_commit_inline(&w, &s), TELEM_ERR_STATE);
            CHECK_EQ_INT(stats().open, 0);
            if (n % 7u != 6u) {
                REQUIRE_OK(telem_ring_peek(&rd, &rec));
                CHECK(rec.time == n && rec.stream == 2 && rec.len == len_of(n) &&
                      whole(rec.data, n, rec.len));
                CHECK_OK(telem_ring_release(&rd));
            }
            CHECK_EQ_INT(telem_ring_peek(&rd, &rec), TELEM_EMPTY);
        }
        CHECK_EQ_INT(stats().aborted, 57);
        while (telem_ring_push_inline(&w, 9, 77, payload, 16) == TELEM_OK) n++;
        CHECK_EQ_INT(n - 400, 1024 / 24);
        CHECK_EQ_INT(stats().refused, 1);
        if (lane == 0) {
            CHECK_OK(telem_ring_writer_deinit(&w));
            CHECK_EQ_INT(telem_ring_push_inline(&w, 0, 0, payload, 8), TELEM_ERR_ARG);
        }
    }
}

struct fields {
    int32_t a;
    uint16_t b[2];
    double c;
};
TEST(fields_are_filled_in_place_across_the_wrap) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        struct fields got;
        uint32_t n;
        REQUIRE(make(1, 512, 512, TELEM_RING_OVERWRITE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
        for (n = 0; n < 1000; n++) {
            telem_result res;
            TELEM_RING_FILL(res, &w, 5, n, struct fields, p, {
                p->a = (int32_t)n;
                p->b[0] = 1, p->b[1] = 2;
                p->c = n * 0.5;
            });
            CHECK_OK(res);
            if (n % 10u) continue;
            CHECK_OK(push_n(&w, 6, n, 8u + n % 24u));
            for (;;) {
                if (telem_ring_peek(&rd, &rec) != TELEM_OK) break;
                if (rec.stream == 5) {
                    REQUIRE(rec.len == sizeof got);
                    memcpy(&got, rec.data, sizeof got);
                    CHECK(got.a == (int32_t)rec.time && got.b[0] == 1 && got.b[1] == 2 &&
                          got.c > (double)rec.time * 0.5 - 0.1 && got.c < (double)rec.time * 0.5 + 0.1);
                }
                CHECK_OK(telem_ring_release(&rd));
            }
        }
        CHECK_EQ_INT(total(&rd), 1100);
    }
}

static int calls_of_clock;
static uint64_t read_calls(void *user) { (void)user; return (uint64_t)++calls_of_clock + 1000u; }

TEST(batch_is_published_at_once_or_not_at_all) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_clock clock = TELEM_ZERO;
        telem_ring_desc d = desc_of(1, 2048, 2048, TELEM_RING_REFUSE);
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_record rec;
        telem_ring_item it[20];
        uint8_t bytes[20][64];
        uint32_t n = 0, i, round, done;
        uint64_t rng = check_seed();
        clock.read = read_calls;
        d.clock = &clock;
        REQUIRE_OK(telem_ring_init(&ring, &d));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(reader(&rd, 1, TELEM_RING_OLDEST));
        memset(it, 0, sizeof it);
        CHECK_EQ_INT(telem_ring_push_batch(&w, NULL, 1, NULL), TELEM_ERR_ARG);
        CHECK_OK(telem_ring_push_batch(&w, NULL, 0, &done));
        for (round = 0; round < 200; round++) {
            uint32_t count = 1u + (uint32_t)(check_rand(&rng) % 8u);
            int now = round % 4u == 0, was = calls_of_clock;
            telem_result res;
            for (i = 0; i < count; i++) {
                it[i].stream = n + i;
                it[i].len = fill(bytes[i], n + i, len_of(n + i));
                it[i].data = bytes[i];
                it[i].time = now ? TELEM_RING_NOW : (int64_t)((uint64_t)(n + i) << 30);
            }
            res = telem_ring_push_batch(&w, it, count, &done);
            CHECK_OK(res);
            CHECK_EQ_INT(done, count);
            if (now) CHECK_EQ_INT(calls_of_clock, was + 1);
            for (i = 0; i < count; i++, n++) {
                REQUIRE_OK(telem_ring_peek(&rd, &rec));
                CHECK(rec.stream == n && whole(rec.data, n, len_of(n)) && rec.len == len_of(n));
                CHECK_EQ_INT(rec.time, now ? was + 1001 : (int64_t)((uint64_t)n << 30));
                CHECK_OK(telem_ring_release(&rd));
            }
        }
        for (i = 0; i < 20; i++) it[i].len = 8, it[i].data = bytes[0], it[i].time = 5, it[i].stream = 1;
        it[3].len = 5000;
        CHECK_EQ_INT(telem_ring_push_batch(&w, it, 20, &done), TELEM_ERR_LIMIT);
        if (lane == 0) CHECK_EQ_INT(telem_ring_peek(&rd, &rec), TELEM_EMPTY);
        it[3].len = 8;
        if (lane == 0) { /* all or nothing */
            uint64_t committed = stats().committed;
            for (i = 0; telem_ring_push_batch(&w, it, 20, &done) == TELEM_OK; i++) {}
            CHECK(done == 0 && i >= 4 && i <= 6);
            CHECK_EQ_INT(stats().committed, committed + i * 20u);
            CHECK_EQ_INT(stats().refused, 20);
            for (i = 0; i < 20; i++) it[i].len = 60;
            CHECK_EQ_INT(telem_ring_push_batch(&w, it, 20, &done), TELEM_ERR_LIMIT);
        } else {
            uint64_t offered =
                stats().offered; /* what was not pushed behind the first refusal counts as refused, too */
            for (i = 0; telem_ring_push_batch(&w, it, 20, &done) == TELEM_OK; i++) {}
            CHECK(done < 20);
            CHECK_EQ_INT(stats().offered - offered, (i + 1u) * 20u);
            CHECK_EQ_INT(stats().refused, 20u - done);
        }
        CHECK_EQ_INT(total(&rd), stats().committed);
    }
}

/* A reader between any two accesses of a batch sees none of it, or all. */
static telem_ring_reader *batch_rd;
static uint32_t batch_seen;
static void count_them(void) {
    telem_ring_record rec;
    while (telem_ring_peek(batch_rd, &rec) == TELEM_OK) {
        batch_seen++;
        CHECK_OK(telem_ring_release(batch_rd));
    }
}
TEST(batch_is_seen_whole_by_an_interrupt) {
    int k, more = 1;
    for (k = 0; more && k < 1000; k++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_item it[6];
        uint32_t i;
        REQUIRE(make(1, 1024, 0, TELEM_RING_OVERWRITE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
        REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
        for (i = 0; i < 6; i++)
            it[i].stream = i, it[i].time = (int64_t)i << 33, it[i].len = 20, it[i].data = payload;
        batch_rd = &rd, batch_seen = 0;
        point_at = k, point_count = 0, point_call = count_them;
        CHECK_OK(telem_ring_push_batch(&w, it, 6, NULL));
        more = point_call == NULL;
        point_call = NULL;
        CHECK(batch_seen == 0 || batch_seen == 6);
        count_them();
        CHECK_EQ_INT(batch_seen, 6);
    }
    CHECK(k > 20);
}

/* ---- parked producers ---- */

/* What has come out so far: every record once at most, whole. */
static uint8_t seen[1 << 16];
static uint32_t next_n, pushed_ok, pushed_full;

static void begin_account(void) {
    memset(seen, 0, sizeof seen);
    next_n = pushed_ok = pushed_full = 0;
}
static void push_one(telem_ring_writer *w) {
    uint32_t n = next_n++;
    telem_result res = push_n(w, n % 3u, n, len_of(n));
    CHECK(res == TELEM_OK || res == TELEM_FULL);
    if (res == TELEM_OK) pushed_ok++, seen[n] |= 2u;
    else pushed_full++;
}
static void push_many(telem_ring_writer *w, uint32_t n) {
    while (n-- > 0) push_one(w);
}
static uint32_t dropped;
/* the same with every third record followed by one that is aborted */
static void push_mixed(telem_ring_writer *w, uint32_t n) {
    while (n-- > 0) {
        telem_ring_span s;
        push_one(w);
        if (n % 3u) continue;
        if (telem_ring_begin(w, 8, 8, n % 50u, &s) != TELEM_OK) pushed_full++;
        else if (CHECK_OK(telem_ring_abort(w, &s)), 1) dropped++;
    }
}
static uint32_t drain(telem_ring_reader *rd) {
    telem_ring_record rec;
    uint32_t got = 0;
    telem_result res;
    while ((res = telem_ring_peek(rd, &rec)) == TELEM_OK || res == TELEM_AGAIN) {
        if (res == TELEM_AGAIN) continue;
        CHECK((uint64_t)rec.time < sizeof seen);
        if ((uint64_t)rec.time >= sizeof seen) return got;
        CHECK(rec.len == len_of((uint32_t)rec.time) && whole(rec.data, (uint32_t)rec.time, rec.len));
        CHECK_EQ_INT(rec.stream, rec.time % 3);
        CHECK(!(seen[rec.time] & 1u)); /* once */
        seen[rec.time] |= 1u;
        CHECK_OK(telem_ring_release(rd));
        got++;
    }
    CHECK_EQ_INT(res, TELEM_EMPTY);
    return got;
}
/* Nothing came out that was not committed; the ring's account and the reader's close. */
static void end_account(telem_ring_reader *rd, uint32_t open) {
    telem_ring_counts c = stats();
    uint32_t i;
    for (i = 0; i < next_n; i++) CHECK(seen[i] != 1u);
    CHECK_EQ_INT(c.committed, pushed_ok);
    CHECK_EQ_INT(c.refused, pushed_full);
    CHECK_EQ_INT(c.open, open);
    if (rd) CHECK_EQ_INT(total(rd), pushed_ok);
}

TEST(parked_producer_costs_its_own_record) {
    int policy;
    for (policy = 0; policy < 2; policy++) {
        telem_ring_desc d = desc_of(0, 0, 1024, (uint32_t)policy);
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_span parked;
        uint8_t buf[64];
        uint32_t lap;
        d.stall = 3;
        REQUIRE_OK(telem_ring_init(&ring, &d));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, TELEM_RING_SHARED));
        REQUIRE_OK(reader(&rd, policy == TELEM_RING_REFUSE, TELEM_RING_OLDEST));
        begin_account();
        push_many(&w, 5);
        REQUIRE_OK(telem_ring_begin(&w, 77, -5, 40, &parked));
        push_many(&w, 5);
        CHECK_EQ_INT(drain(&rd), 5); /* what comes after waits for a while ... */
        (void)drain(&rd);
        (void)drain(&rd);
        (void)drain(&rd);
        CHECK_EQ_INT(rd.delivered, 10); /* ... but not for ever */
        for (lap = 0; lap < 300; lap++) {
            push_many(&w, 7);
            drain(&rd);
            CHECK_OK(telem_ring_span_write(&w, &parked, 0, fill(buf, lap, 40) ? buf : buf,
                                           40)); /* it writes, late */
        }
        CHECK_EQ_INT(rd.lost, 0);
        CHECK_EQ_INT(telem_ring_commit(&w, &parked), TELEM_FULL);
        pushed_full++; /* its own record, and no other */
        CHECK_EQ_INT(pushed_full, 1);
        push_many(&w, 100);
        drain(&rd);
        end_account(&rd, 0);
    }
}

TEST(lapped_producer_never_tears_a_record) {
    uint32_t before, laps;
    for (before = 0; before < 40; before += 3)
        for (laps = 1; laps < 5; laps++) {
            telem_ring_writer w;
            telem_ring_reader rd;
            telem_ring_span a, b;
            uint8_t buf[256];
            uint32_t i;
            REQUIRE(make(0, 0, 1024, TELEM_RING_OVERWRITE));
            REQUIRE_OK(telem_ring_writer_init(&w, ring, TELEM_RING_SHARED));
            REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
            begin_account();
            push_many(&w, before);
            REQUIRE_OK(telem_ring_begin(&w, 77, -5, 40 + before * 4u, &a));
            push_many(&w, 3);
            REQUIRE_OK(telem_ring_begin(&w, 77, -5, 100, &b));
            for (i = 0; i < laps * 50u; i++) {
                push_one(&w);
                memset(buf, (int)i, sizeof buf);
                CHECK_OK(telem_ring_span_write(&w, &a, 0, buf, 40 + before * 4u));
                CHECK_OK(telem_ring_span_write(&w, &b, 0, buf, 100));
                if (i % 16u == 0) drain(&rd);
            }
            drain(&rd);
            CHECK_EQ_INT(telem_ring_commit(&w, &a), TELEM_FULL);
            pushed_full++;
            push_many(&w, 60);
            drain(&rd);
            CHECK_OK(telem_ring_abort(&w, &b)); /* revoked already: counted as refused */
            pushed_full++;
            push_many(&w, 60);
            drain(&rd);
            end_account(&rd, 0);
        }
}

TEST(too_many_parked_producers_refuse_and_recover) {
    telem_ring_writer w;
    telem_ring_reader rd;
    telem_ring_span s[40];
    uint32_t i, j;
    REQUIRE(make(0, 0, 1024, TELEM_RING_OVERWRITE));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, TELEM_RING_SHARED));
    REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
    begin_account();
    for (i = 0; i < 40; i++) REQUIRE_OK(telem_ring_begin(&w, 1, 0, 8, &s[i]));
    push_many(&w, 300);
    CHECK(pushed_full > 0); /* 40 are more than TELEM_RING_PARKED_MAX */
    for (i = 0; i < 40; i++) {
        telem_result res = telem_ring_commit(&w, &s[i]);
        if (res == TELEM_FULL) pushed_full++;
        else pushed_ok++; /* was not reached */
        if (i == 20) push_many(&w, 100);
    }
    j = pushed_full;
    push_many(&w, 300);
    CHECK_EQ_INT(pushed_full, j); /* all spans are back */
    CHECK_EQ_INT(stats().open, 0);
    CHECK_EQ_INT(stats().committed, pushed_ok);
    CHECK_EQ_INT(stats().refused, pushed_full);
    CHECK_EQ_INT(total(&rd), pushed_ok);
}

/* ---- forced interleavings: an interrupt before the k-th atomic access of a call, for each k ---- */

static telem_ring_writer int_w;
static telem_ring_reader *int_rd;
static telem_ring_span int_span;
static int int_mode, int_open;

static void interrupt(void) {
    static const uint32_t bursts[] = {1, 2, 40, 130, 700};
    if (int_mode < 5) push_many(&int_w, bursts[int_mode]);
    else if (int_mode < 10 && int_rd) {
        push_many(&int_w, bursts[int_mode - 5]);
        (void)drain(int_rd);
    } else if (int_mode >= 100) {
        push_mixed(&int_w, (uint32_t)int_mode - 100u);
    } else if (int_mode == 10) {
        if (telem_ring_begin(&int_w, 0, 0, 24, &int_span) == TELEM_OK) int_open = 1; /* and is parked */
        else pushed_full++;
        push_many(&int_w, 130);
    }
}
static void arm(int k) {
    point_at = k;
    point_count = 0;
    point_call = interrupt;
}
static int fired(void) {
    int yes = point_call == NULL;
    point_call = NULL;
    return yes;
}
/* the parked record of mode 10 leaves */
static void int_end(void) {
    if (!int_open) return;
    int_open = 0;
    if (telem_ring_commit(&int_w, &int_span) == TELEM_FULL) pushed_full++;
    else CHECK(0);
}

static void sweep_push(int lane, uint32_t policy, int mode, int with_reader) {
    int k, more = 1;
    for (k = 0; more && k < 3000; k++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_desc d = desc_of(1, 512, 512, policy);
        d.stall = 2;
        REQUIRE_OK(telem_ring_init(&ring, &d));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        REQUIRE_OK(telem_ring_writer_init(&int_w, ring, TELEM_RING_SHARED));
        REQUIRE_OK(reader(&rd, policy == TELEM_RING_REFUSE && with_reader, TELEM_RING_OLDEST));
        int_rd = with_reader == 2 ? &rd : NULL;
        int_mode = mode;
        int_open = 0;
        begin_account();
        push_many(&w, 45);
        arm(k);
        push_one(&w);
        more = fired();
        push_many(&w, 3);
        int_end();
        drain(&rd), drain(&rd), drain(&rd), drain(&rd);
        push_many(&w, 100);
        drain(&rd);
        end_account(&rd, 0);
        if (policy == TELEM_RING_REFUSE && with_reader) CHECK_EQ_INT(rd.lost, 0);
        if (check_g.bad) {
            printf("    lane %d policy %u mode %d reader %d k %d\n", lane, (unsigned)policy, mode,
                   with_reader, k);
            return;
        }
    }
    CHECK(!more);
    CHECK(k > 4);
}

TEST(push_interrupted_anywhere_by_producers_and_readers) {
    int policy, mode, r;
    for (policy = 0; policy < 2; policy++)
        for (mode = 0; mode < 11; mode++)
            for (r = 0; r < 3; r++) {
                sweep_push(TELEM_RING_SHARED, (uint32_t)policy, mode, r);
                if (check_g.bad) return;
            }
}

/* Bursts that end just before, at and behind a lap: the interrupted push is a lap late with the
   very words that are in use. Numbers without a record among them. */
TEST(push_a_lap_late_changes_nothing) {
    int burst;
    for (burst = 8; burst < 80 && !check_g.bad; burst++) {
        int k, more = 1;
        for (k = 0; more && k < 3000; k++) {
            telem_ring_writer w;
            telem_ring_reader rd, late;
            REQUIRE(make(0, 0, 512, TELEM_RING_OVERWRITE));
            REQUIRE_OK(telem_ring_writer_init(&w, ring, TELEM_RING_SHARED));
            int_w = w;
            REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
            REQUIRE_OK(reader(&late, 0, TELEM_RING_OLDEST));
            int_mode = 100 + burst;
            begin_account();
            push_mixed(&w, 40);
            arm(k);
            push_one(&w);
            more = fired();
            drain(&rd);
            push_mixed(&w, 1);
            CHECK_EQ_INT(total(&late), pushed_ok);
            drain(&rd);
            push_mixed(&w, 30);
            CHECK_EQ_INT(total(&late), pushed_ok);
            drain(&rd);
            end_account(&rd, 0);
            if (check_g.bad) {
                printf("    burst %d k %d\n", burst, k);
                break;
            }
        }
    }
}

/* A parked producer leaves in the middle of a push that is about to use what it held. */
static telem_ring_span exit_span;
static void leave(void) {
    if (telem_ring_commit(&int_w, &exit_span) == TELEM_FULL) pushed_full++;
    else pushed_ok++, seen[8] |= 2u;
}
TEST(parked_producer_may_leave_at_any_moment) {
    uint32_t between;
    for (between = 10; between < 90 && !check_g.bad; between++) {
        int k, more = 1;
        for (k = 0; more && k < 3000; k++) {
            telem_ring_writer w;
            telem_ring_reader rd;
            uint8_t buf[64];
            REQUIRE(make(0, 0, 512, TELEM_RING_OVERWRITE));
            REQUIRE_OK(telem_ring_writer_init(&w, ring, TELEM_RING_SHARED));
            int_w = w;
            REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
            begin_account();
            push_many(&w, 8);
            REQUIRE_OK(telem_ring_begin(&w, 8 % 3, 8, len_of(8), &exit_span)); /* 56 bytes */
            CHECK_OK(telem_ring_span_write(&w, &exit_span, 0, buf, fill(buf, 8, len_of(8))));
            next_n++;
            push_many(&w, between);
            point_at = k, point_count = 0, point_call = leave;
            push_one(&w);
            more = fired();
            if (more) drain(&rd);
            if (!more) leave(); /* had not been reached */
            push_many(&w, 2);
            drain(&rd);
            push_many(&w, 60);
            drain(&rd);
            end_account(&rd, 0);
            if (check_g.bad) {
                printf("    between %u k %d\n", (unsigned)between, k);
                break;
            }
        }
    }
}

TEST(lane_push_interrupted_anywhere_by_readers) {
    int policy, mode;
    for (policy = 0; policy < 2; policy++)
        for (mode = 5; mode < 10; mode++) sweep_push(0, (uint32_t)policy, mode, 2);
}

/* begin .. write .. commit with the interrupt inside commit (or abort) */
static void sweep_commit(uint32_t policy, int mode, int abort, uint32_t between) {
    int k, more = 1;
    for (k = 0; more && k < 3000; k++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_span s;
        telem_result res;
        uint32_t n, full, aborted = 0;
        uint8_t buf[64];
        telem_ring_desc d = desc_of(0, 0, 512, policy);
        REQUIRE_OK(telem_ring_init(&ring, &d));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, TELEM_RING_SHARED));
        int_w = w;
        REQUIRE_OK(reader(&rd, 0, TELEM_RING_OLDEST));
        int_rd = &rd;
        int_mode = mode;
        int_open = 0;
        begin_account();
        push_many(&w, 20);
        n = next_n++;
        REQUIRE_OK(telem_ring_begin(&w, n % 3u, n, len_of(n), &s));
        push_many(&w, between);
        fill(buf, n, len_of(n));
        CHECK_OK(telem_ring_span_write(&w, &s, 0, buf, len_of(n)));
        arm(k);
        full = (uint32_t)stats().refused; /* (the walk of stats is interrupted too) */
        (void)full;
        res = abort ? telem_ring_abort(&w, &s) : telem_ring_commit(&w, &s);
        more = fired();
        if (abort) {
            aborted = (uint32_t)stats().aborted;
            if (!aborted) pushed_full++;
        } else if (res == TELEM_OK) pushed_ok++, seen[n] |= 2u;
        else pushed_full++;
        int_end();
        drain(&rd);
        push_many(&w, 100);
        drain(&rd);
        end_account(&rd, 0);
        if (check_g.bad) {
            printf("    policy %u mode %d abort %d between %u k %d\n", (unsigned)policy, mode, abort,
                   (unsigned)between, k);
            return;
        }
    }
    CHECK(!more);
}

TEST(commit_interrupted_anywhere) {
    int mode, abort, policy;
    for (policy = 0; policy < 2; policy++)
        for (mode = 0; mode < 11; mode++)
            for (abort = 0; abort < 2; abort++) {
                sweep_commit((uint32_t)policy, mode, abort, 0);
                sweep_commit((uint32_t)policy, mode, abort, 20);
                sweep_commit((uint32_t)policy, mode, abort, 200);
                if (check_g.bad) return;
            }
}

/* a reader's peek or read, interrupted by writers that may lap it */
static void sweep_read(int lane, uint32_t policy, int gating, int mode, int by_read) {
    int k, more = 1;
    for (k = 0; more && k < 3000; k++) {
        telem_ring_reader rd;
        telem_ring_record rec;
        telem_result res;
        uint64_t buf[64];
        REQUIRE(make(1, 512, 512, policy));
        REQUIRE_OK(telem_ring_writer_init(&int_w, ring, lane));
        REQUIRE_OK(reader(&rd, gating, TELEM_RING_OLDEST));
        int_rd = NULL;
        int_mode = mode;
        int_open = 0;
        begin_account();
        push_many(&int_w, 8);
        arm(k);
        res = by_read ? telem_ring_read(&rd, &rec, buf, sizeof buf) : telem_ring_peek(&rd, &rec);
        more = fired();
        if (res == TELEM_OK) {
            CHECK(whole(rec.data, (uint32_t)rec.time, rec.len) && rec.len == len_of((uint32_t)rec.time));
            if (gating) CHECK_EQ_INT(rec.time, 0);
            seen[rec.time] |= 1u;
            if (!by_read) CHECK_OK(telem_ring_release(&rd));
        } else CHECK_EQ_INT(res, TELEM_AGAIN);
        CHECK_EQ_INT(total(&rd), pushed_ok);
        drain(&rd);
        end_account(&rd, 0);
        if (gating) CHECK_EQ_INT(rd.lost, 0);
        if (check_g.bad) {
            printf("    lane %d policy %u gating %d mode %d read %d k %d\n", lane, (unsigned)policy, gating,
                   mode, by_read, k);
            return;
        }
    }
    CHECK(!more);
}

TEST(read_interrupted_anywhere_by_writers) {
    int lane, mode, by_read;
    for (lane = -1; lane < 1; lane++)
        for (mode = 0; mode < 5; mode++)
            for (by_read = 0; by_read < 2; by_read++) {
                sweep_read(lane, TELEM_RING_OVERWRITE, 0, mode, by_read);
                sweep_read(lane, TELEM_RING_REFUSE, 0, mode, by_read);
                sweep_read(lane, TELEM_RING_REFUSE, 1, mode, by_read);
                if (check_g.bad) return;
            }
}

/* a gating reader joins while writers are at it, anywhere in either */
TEST(join_interrupted_anywhere_holds_what_it_shows) {
    int lane, mode, k, more;
    for (lane = -1; lane < 1; lane++)
        for (mode = 0; mode < 5; mode++)
            for (k = 0, more = 1; more && k < 3000; k++) {
                telem_ring_reader rd;
                telem_result res;
                REQUIRE(make(1, 512, 512, TELEM_RING_REFUSE));
                REQUIRE_OK(telem_ring_writer_init(&int_w, ring, lane));
                int_rd = NULL;
                int_mode = mode;
                begin_account();
                push_many(&int_w, 60);
                arm(k);
                res = reader(&rd, 1, (uint8_t)(k % 2));
                more = fired();
                if (res != TELEM_OK) {
                    CHECK_EQ_INT(res, TELEM_AGAIN);
                    continue;
                }
                push_many(&int_w, 50);
                drain(&rd);
                push_many(&int_w, 50);
                drain(&rd);
                CHECK_EQ_INT(rd.lost, 0);
                end_account(NULL, 0);
                if (check_g.bad) {
                    printf("    lane %d mode %d k %d\n", lane, mode, k);
                    return;
                }
            }
}

static telem_ring_reader join_rd;
static int joined;
static void join_now(void) { joined = reader(&join_rd, 1, TELEM_RING_OLDEST) == TELEM_OK; }

TEST(reader_that_joins_inside_a_push_is_not_overwritten) {
    int lane, k, more;
    for (lane = -1; lane < 1; lane++)
        for (k = 0, more = 1; more && k < 3000; k++) {
            telem_ring_writer w;
            REQUIRE(make(1, 512, 512, TELEM_RING_REFUSE));
            REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
            begin_account();
            push_many(&w, 60);
            joined = 0;
            point_at = k, point_count = 0, point_call = join_now;
            push_many(&w, 6);
            more = fired();
            if (!joined) continue;
            push_many(&w, 60);
            drain(&join_rd);
            CHECK_EQ_INT(join_rd.lost, 0);
            end_account(NULL, 0);
            if (check_g.bad) {
                printf("    lane %d k %d\n", lane, k);
                return;
            }
        }
}

/* ---- random operations against a model ---- */

TEST(random_operations_agree_with_the_model) {
    uint64_t rng = check_seed();
    int round, rounds = check_quick() ? 60 : 400;
    for (round = 0; round < rounds; round++) {
        telem_ring_writer w[4];
        telem_ring_reader rd[3];
        telem_ring_span span[4][3];
        uint32_t open[4][3], opens = 0, aborted = 0, i, j, step, gating = 0, committed = 0, refused = 0;
        telem_ring_desc d = desc_of(3, 512u << check_rand(&rng) % 3u, 512u << check_rand(&rng) % 3u,
                                    (uint32_t)(check_rand(&rng) % 2u));
        d.contiguous = check_rand(&rng) % 3u == 0;
        d.stall = 5;
        REQUIRE_OK(telem_ring_init(&ring, &d));
        memset(open, 0, sizeof open);
        memset(seen, 0, sizeof seen);
        for (i = 0; i < 4; i++) REQUIRE_OK(telem_ring_writer_init(&w[i], ring, (int)i - 1));
        gating = d.policy == TELEM_RING_REFUSE && check_rand(&rng) % 2u;
        for (i = 0; i < 3; i++) REQUIRE_OK(reader(&rd[i], i == 0 && gating, TELEM_RING_OLDEST));
        for (step = 1; step < 3000; step++) {
            uint32_t what = (uint32_t)(check_rand(&rng) % 100u), lane = (uint32_t)(check_rand(&rng) % 4u),
                     slot = lane ? 0 : (uint32_t)(check_rand(&rng) % 3u);
            uint32_t len = (uint32_t)(check_rand(&rng) % (check_rand(&rng) % 8u ? 24u : 129u));
            uint8_t buf[256];
            telem_result res;
            fill(buf, step, len);
            if (what < 45) {
                res = telem_ring_push(&w[lane], step, step, buf, len);
                if (lane && open[lane][0]) CHECK_EQ_INT(res, TELEM_ERR_STATE);
                else if (res == TELEM_OK) seen[step] = 2, committed++;
                else if (CHECK_EQ_INT(res, TELEM_FULL), 1) refused++;
            } else if (what < 55 && !open[lane][slot]) {
                res = telem_ring_begin(&w[lane], step, step, len, &span[lane][slot]);
                if (res == TELEM_OK) {
                    CHECK_OK(telem_ring_span_write(&w[lane], &span[lane][slot], 0, buf, len));
                    open[lane][slot] = step;
                    opens++;
                } else refused++;
            } else if (what < 65 && open[lane][slot]) {
                if (what < 62) {
                    uint64_t was = stats().committed;
                    res = telem_ring_commit(&w[lane], &span[lane][slot]);
                    if (res == TELEM_OK) seen[open[lane][slot]] = 2, committed++;
                    else CHECK_EQ_INT(res, TELEM_FULL), refused++;
                    CHECK_EQ_INT(stats().committed, was + (res == TELEM_OK));
                } else {
                    uint64_t was = stats().aborted;
                    CHECK_OK(telem_ring_abort(&w[lane], &span[lane][slot]));
                    if (stats().aborted > was) aborted++;
                    else refused++;
                }
                open[lane][slot] = 0;
                opens--;
            } else {
                telem_ring_record rec;
                telem_ring_reader *r = &rd[check_rand(&rng) % 3u]; /* one of them is always late */
                if (r == &rd[2] && check_rand(&rng) % 16u) continue;
                for (j = (uint32_t)(check_rand(&rng) % 20u); j > 0; j--) {
                    uint32_t bit = 16u << (r - rd);
                    res = telem_ring_peek(r, &rec);
                    if (res != TELEM_OK) break;
                    CHECK((seen[rec.time] & 2u) &&
                          !(seen[rec.time] & bit)); /* committed, and not seen before */
                    seen[rec.time] |= (uint8_t)bit;
                    CHECK(rec.stream == (uint32_t)rec.time && whole(rec.data, rec.stream, rec.len));
                    CHECK_OK(telem_ring_release(r));
                }
            }
            if (step % 64u == 0) {
                telem_ring_counts c = stats();
                CHECK_EQ_INT(c.committed, committed);
                CHECK_EQ_INT(c.aborted, aborted);
                CHECK_EQ_INT(c.refused + c.open, refused + opens);
                for (i = 0; i < 3; i++) CHECK_EQ_INT(total(&rd[i]), committed);
                if (gating) CHECK_EQ_INT(rd[0].lost, 0);
            }
            if (check_g.bad) {
                printf("    round %d step %u\n", round, (unsigned)step);
                return;
            }
        }
    }
}

/* ---- found by a review: what a caller may do wrong, and readers that were wronged ---- */

/* Lane 0 is full; what is older stands in another lane, which the merge drains first. */
TEST(reader_at_work_in_another_lane_is_not_expelled) {
    int other;
    for (other = -1; other < 2; other++) {
        telem_ring_writer full, old;
        telem_ring_reader rd;
        telem_ring_reader_desc q = TELEM_ZERO;
        telem_ring_record rec;
        uint32_t n;
        if (other == 0) continue;
        REQUIRE(make(2, 4096, 4096, TELEM_RING_REFUSE));
        REQUIRE_OK(telem_ring_writer_init(&full, ring, 0));
        REQUIRE_OK(telem_ring_writer_init(&old, ring, other));
        q.gating = 1, q.timeout = 100, q.copy = copy_buf2, q.copy_size = sizeof copy_buf2;
        REQUIRE_OK(telem_ring_reader_init(&rd, ring, &q));
        for (n = 0; n < 160; n++) CHECK_OK(push_n(&old, 1, n, 8));
        while (push_n(&full, 2, 1000, 8) == TELEM_OK) {}
        for (n = 1; n < 150; n++) {
            REQUIRE_OK(telem_ring_peek(&rd, &rec));
            CHECK_OK(telem_ring_release(&rd));
            CHECK_EQ_INT(push_n(&full, 2, 1000 + n * 10, 8), TELEM_FULL);
        }
        CHECK_EQ_INT(stats().expelled, 0);
        CHECK_EQ_INT(push_n(&full, 2, 2589, 8), TELEM_FULL); /* now it stands still */
        CHECK_EQ_INT(stats().expelled, 0);
        CHECK_OK(push_n(&full, 2, 2690, 8));
        CHECK_EQ_INT(stats().expelled, 1);
        telem_ring_reader_deinit(&rd);
    }
}

/* The clock is counted in small pieces of a timeout: silence of any length is longer than it. */
static uint64_t silent_now;
static uint64_t silent_clock(void *user) {
    (void)user;
    return silent_now;
}
TEST(timeout_is_over_after_any_silence_and_not_before) {
    static const uint64_t silence[] = {1000000u, 1000000000u, 2200000000u, 3221225472u,
                                       4294967296u, 8589934592u};
    uint32_t i;
    for (i = 0; i < sizeof silence / sizeof *silence; i++) {
        telem_clock clock = TELEM_ZERO;
        telem_ring_desc d = desc_of(1, 1024, 0, TELEM_RING_REFUSE);
        telem_ring_reader_desc q = TELEM_ZERO;
        telem_ring_writer w;
        telem_ring_reader rd;
        uint32_t n;
        clock.read = silent_clock, clock.bits = 64;
        silent_now = 1234567;
        d.clock = &clock;
        REQUIRE_OK(telem_ring_init(&ring, &d));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
        q.gating = 1, q.timeout = 999999;
        REQUIRE_OK(telem_ring_reader_init(&rd, ring, &q));
        while (telem_ring_push(&w, 1, TELEM_RING_NOW, "12345678", 8) == TELEM_OK) {}
        silent_now += 999998;
        CHECK_EQ_INT(telem_ring_push(&w, 1, TELEM_RING_NOW, "12345678", 8), TELEM_FULL);
        CHECK_EQ_INT(stats().expelled, 0);
        for (n = 0; n < 2u && stats().expelled == 0; n++) {
            silent_now += silence[i];
            (void)telem_ring_push(&w, 1, TELEM_RING_NOW, "12345678", 8);
        }
        CHECK_EQ_INT(stats().expelled, 1);
        telem_ring_reader_deinit(&rd);
    }
}

TEST(batch_of_one_is_taken_where_push_takes_it) {
    uint32_t contiguous, i, done;
    uint8_t bytes[256] = {0};
    for (contiguous = 0; contiguous < 2; contiguous++) {
        telem_ring_desc d = desc_of(1, 1024, 0, TELEM_RING_OVERWRITE);
        telem_ring_writer w;
        telem_ring_item it = TELEM_ZERO;
        d.contiguous = (uint8_t)contiguous;
        REQUIRE_OK(telem_ring_init(&ring, &d));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
        it.data = bytes;
        for (i = 0; i < 500; i++) {
            it.len = i % 3u ? 200 : telem_ring_max_record(ring);
            it.stream = i % 5u ? 1 : 70000;
            it.time = (int64_t)((uint64_t)i << 31);
            CHECK_OK(telem_ring_push_batch(&w, &it, 1, &done));
            CHECK_EQ_INT(done, 1);
        }
        CHECK_EQ_INT(stats().committed, 500);
    }
}

/* A span whose begin was refused, or a copy of one that has ended, ends no other record. */
TEST(span_ends_once_and_only_its_own_record) {
    telem_ring_writer w;
    telem_ring_reader rd;
    telem_ring_span s, copy;
    telem_ring_counts before;
    uint32_t n, how;
    for (how = 0; how < 4; how++) { /* first and second end: commit or abort */
        REQUIRE(make(0, 0, 1024, TELEM_RING_REFUSE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, TELEM_RING_SHARED));
        REQUIRE_OK(reader(&rd, 1, TELEM_RING_OLDEST));
        REQUIRE_OK(telem_ring_begin(&w, 1, 1, 8, &s));
        copy = s;
        CHECK_OK(how & 1u ? telem_ring_abort(&w, &s) : telem_ring_commit(&w, &s));
        for (n = 0; n < 10; n++) CHECK_OK(push_n(&w, 1, n, 8));
        before = stats();
        CHECK_EQ_INT(how & 2u ? telem_ring_abort(&w, &copy) : telem_ring_commit(&w, &copy), TELEM_ERR_STATE);
        CHECK_EQ_INT(stats().committed, before.committed);
        CHECK_EQ_INT(stats().offered, before.offered);
        CHECK_EQ_INT(stats().refused, 0);
        copy = s, copy.part[0] = memory, copy.number = 3, copy.head = 1; /* what an earlier frame left */
        while (push_n(&w, 1, n, 8) == TELEM_OK) n++;
        before = stats();
        s = copy;
        CHECK_EQ_INT(telem_ring_begin(&w, 1, 99, 8, &s), TELEM_FULL);
        CHECK_EQ_INT(telem_ring_commit(&w, &s), TELEM_ERR_STATE);
        s = copy;
        CHECK_EQ_INT(telem_ring_begin_whole(&w, 1, 99, 5000, &s), TELEM_ERR_LIMIT);
        CHECK_EQ_INT(telem_ring_abort(&w, &s), TELEM_ERR_STATE);
        s = copy;
        CHECK_EQ_INT(telem_ring_begin_inline(&w, 1, TELEM_RING_NOW, 8, &s), TELEM_ERR_ARG);
        CHECK_EQ_INT(telem_ring_span_write(&w, &s, 0, "x", 1), TELEM_ERR_STATE);
        CHECK_EQ_INT(telem_ring_commit_inline(&w, &s), TELEM_ERR_STATE);
        CHECK_EQ_INT(stats().committed, before.committed);
        CHECK_EQ_INT(stats().refused, before.refused + 1u);
        CHECK_EQ_INT(total(&rd), before.committed);
    }
    REQUIRE(make(1, 1024, 0, TELEM_RING_REFUSE)); /* a lane's open record stays: it is its span's still */
    REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
    REQUIRE_OK(telem_ring_begin(&w, 1, 1, 8, &s));
    CHECK_EQ_INT(telem_ring_begin(&w, 1, 1, 8, &s), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_ring_begin(&w, 1, 1, 5000, &s), TELEM_ERR_LIMIT);
    CHECK_OK(telem_ring_commit(&w, &s));
    CHECK_EQ_INT(telem_ring_commit(&w, &s), TELEM_ERR_STATE);
}

/* The filter sees its bytes change under it: what it says does not count. */
static telem_ring_writer *filter_writer;
static int filter_calls;
static int filter_is_overtaken(void *user, uint32_t stream, int64_t time, const void *data, uint32_t len) {
    uint32_t i;
    (void)user, (void)stream, (void)time, (void)data, (void)len;
    for (i = 0; i < 300 && filter_calls == 0; i++) (void)push_n(filter_writer, 2, 1000000 + i * 1000, 32);
    return filter_calls++ != 0;
}
TEST(reader_expelled_inside_its_filter_is_told) {
    int lane;
    for (lane = -1; lane < 1; lane++) {
        telem_ring_writer w;
        telem_ring_reader rd;
        telem_ring_reader_desc q = TELEM_ZERO;
        telem_ring_record rec;
        uint32_t i;
        REQUIRE(make(1, 1024, 1024, TELEM_RING_REFUSE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        filter_writer = &w, filter_calls = 0;
        q.gating = 1, q.timeout = 100, q.copy = copy_buf2, q.copy_size = sizeof copy_buf2;
        q.filter = filter_is_overtaken;
        REQUIRE_OK(telem_ring_reader_init(&rd, ring, &q));
        for (i = 0; i < 10; i++) CHECK_OK(push_n(&w, 1, i, 32));
        CHECK_EQ_INT(telem_ring_peek(&rd, &rec), TELEM_EXPELLED);
        CHECK_EQ_INT(stats().expelled, 1);
        CHECK_EQ_INT(rd.filtered, 0);
        CHECK_EQ_INT(total(&rd), stats().committed);
        while (telem_ring_peek(&rd, &rec) == TELEM_OK) {
            CHECK(rec.stream == 2 && whole(rec.data, (uint32_t)rec.time, 32));
            CHECK_OK(telem_ring_release(&rd));
        }
        CHECK(rd.lost >= 10 && rd.filtered == 0);
        CHECK_EQ_INT(total(&rd), stats().committed);
        telem_ring_reader_deinit(&rd);
    }
}

TEST(trigger_of_many_lanes_needs_cursors_from_the_caller) {
    static uint64_t cursors[TELEM_RING_CURSOR_BYTES(10) / 8];
    telem_ring_trigger t;
    telem_ring_trigger_desc d = TELEM_ZERO;
    REQUIRE(make(10, 512, 0, TELEM_RING_REFUSE));
    CHECK_EQ_INT(telem_ring_trigger_init(&t, ring, NULL), TELEM_ERR_MEMORY);
    CHECK_EQ_INT(telem_ring_trigger_fire(&t, 1), TELEM_ERR_ARG);
    d.cursors = cursors;
    d.cursors_size = 10u * sizeof(telem_i_ring_cursor) - 1u;
    CHECK_EQ_INT(telem_ring_trigger_init(&t, ring, &d), TELEM_ERR_MEMORY);
    d.cursors_size++;
    CHECK_OK(telem_ring_trigger_init(&t, ring, &d));
    CHECK_OK(telem_ring_trigger_fire(&t, 1));
    telem_ring_trigger_arm(&t);
    REQUIRE(make(8, 512, 512, TELEM_RING_REFUSE));
    CHECK_OK(telem_ring_trigger_init(&t, ring, NULL));
    CHECK_OK(telem_ring_trigger_fire(&t, 1));
}

/* What init refused is used nevertheless. */
TEST(refused_handles_answer_errors) {
    telem_ring_writer w;
    telem_ring_reader rd;
    telem_ring_trigger t;
    telem_ring_record rec;
    telem_ring_span s;
    REQUIRE(make(1, 1024, 0, TELEM_RING_OVERWRITE));
    memset(&w, 0x55, sizeof w);
    CHECK_EQ_INT(telem_ring_writer_init(&w, NULL, 0), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_push(&w, 1, 0, "12345678", 8), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_push_inline(&w, 1, 0, "12345678", 8), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_begin(&w, 1, 0, 8, &s), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_commit(&w, &s), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_begin(NULL, 1, 0, 8, &s), TELEM_ERR_ARG);
    memset(&rd, 0x55, sizeof rd);
    CHECK_EQ_INT(telem_ring_reader_init(&rd, NULL, NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_peek(&rd, &rec), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_release(&rd), TELEM_ERR_ARG);
    telem_ring_reader_deinit(&rd);
    memset(&t, 0x55, sizeof t);
    CHECK_EQ_INT(telem_ring_trigger_init(&t, ring, NULL), TELEM_ERR_ARG); /* not a ring that refuses */
    CHECK_EQ_INT(telem_ring_trigger_fire(&t, 1), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_trigger_read(&t, &rec, copy_buf, 8), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_max_record(NULL), 0);
    CHECK_EQ_INT(telem_ring_lane_bytes(NULL, 0), 0);
    CHECK_EQ_INT(telem_ring_image_max_record(NULL), 0);
}

/* The limits hold on the short paths, too. */
TEST(limits_hold_on_every_path) {
    int lane;
    uint8_t bytes[64] = {0};
    for (lane = -1; lane < 1; lane++) {
        telem_ring_desc d = desc_of(1, 1024, 1024, TELEM_RING_OVERWRITE);
        telem_ring_writer w;
        telem_ring_span s;
        telem_ring_item it = TELEM_ZERO;
        d.max_record = 16;
        REQUIRE_OK(telem_ring_init(&ring, &d));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, lane));
        CHECK_OK(telem_ring_push(&w, 1, 0, bytes, 8)); /* the window is open */
        CHECK_EQ_INT(telem_ring_push(&w, 1, 0, bytes, 17), TELEM_ERR_LIMIT);
        CHECK_EQ_INT(telem_ring_push_inline(&w, 1, 0, bytes, 17), TELEM_ERR_LIMIT);
        CHECK_EQ_INT(telem_ring_begin_inline(&w, 1, 0, 40, &s), TELEM_ERR_LIMIT);
        CHECK_EQ_INT(telem_ring_push(&w, 1, 0, bytes, UINT32_MAX), TELEM_ERR_LIMIT);
        it.stream = 1, it.data = bytes, it.len = 17;
        CHECK_EQ_INT(telem_ring_push_batch(&w, &it, 1, NULL), TELEM_ERR_LIMIT);
        it.len = 8, it.data = NULL;
        CHECK_EQ_INT(telem_ring_push_batch(&w, &it, 1, NULL), TELEM_ERR_ARG);
        CHECK_EQ_INT(telem_ring_push(&w, 1, 0, NULL, 8), TELEM_ERR_ARG);
        CHECK_OK(telem_ring_push(&w, 1, 0, NULL, 0));
        REQUIRE_OK(telem_ring_begin(&w, 1, 0, 16, &s));
        CHECK_EQ_INT(telem_ring_span_write(&w, &s, 8, bytes, UINT32_MAX - 3u), TELEM_ERR_LIMIT);
        CHECK_EQ_INT(telem_ring_span_write(&w, &s, UINT32_MAX - 7u, bytes, 16), TELEM_ERR_LIMIT);
        CHECK_EQ_INT(telem_ring_span_write(&w, &s, UINT32_MAX, bytes, 1), TELEM_ERR_LIMIT);
        CHECK_EQ_INT(telem_ring_span_write(&w, &s, 0, NULL, 8), TELEM_ERR_ARG);
        CHECK_OK(telem_ring_span_write(&w, &s, 16, NULL, 0));
        CHECK_OK(telem_ring_span_write(&w, &s, 0, bytes, 16));
        CHECK_OK(telem_ring_commit(&w, &s));
        CHECK_EQ_INT(stats().committed, 3);
    }
}

static void run_all(void) {
    RUN(record_comes_back_as_it_went_in);
    RUN(small_record_takes_at_most_32_bytes);
    RUN(bad_descs_are_refused);
    RUN(zero_sizes_use_the_memory_there_is);
    RUN(lane_has_one_writer_and_is_claimed_and_released);
    RUN(limits_and_order_of_calls_are_checked);
    RUN(aborted_record_is_never_seen_and_counted);
    RUN(aborted_record_gives_back_no_byte_it_wrote);
    RUN(span_is_filled_in_place_across_the_wrap);
    RUN(contiguous_record_never_wraps);
    RUN(refused_record_is_counted);
    RUN(full_lane_holds_what_its_size_says);
    RUN(without_gating_readers_nothing_is_refused);
    RUN(slowest_gating_reader_decides);
    RUN(lapped_reader_knows_exactly_how_many_it_lost);
    RUN(reader_starts_at_the_oldest_or_now);
    RUN(filters_pass_what_they_say_and_count_the_rest);
    RUN(lanes_are_merged_by_time);
    RUN(any_stamps_are_merged_however_they_are_read);
    RUN(stamps_of_one_clock_come_in_order_while_writers_go_on);
    RUN(expelled_in_any_lane_with_a_record_in_hand);
    RUN(many_lanes_need_cursors_from_the_caller);
    RUN(gating_table_is_bounded);
    RUN(damaged_memory_is_corrupt_and_no_endless_loop);
    RUN(stall_left_open_is_about_a_tenth_of_a_second);
    RUN(stall_on_a_narrow_clock_is_over_within_half_a_wrap);
    RUN(dead_gating_reader_is_expelled_and_told);
    RUN(peeked_span_is_stable_until_release);
    RUN(peek_without_copy_buffer_says_so);
    RUN(now_reads_the_clock_and_extends_it);
    RUN(any_stream_time_and_length_come_back);
    RUN(stamps_are_right_behind_every_gap);
    RUN(lane_is_written_without_read_modify_write_in_bounded_steps);
    RUN(begin_whole_gives_one_piece_in_any_ring);
    RUN(now_is_told_from_the_stamps_beside_it);
    RUN(inline_calls_answer_as_the_functions);
    RUN(fields_are_filled_in_place_across_the_wrap);
    RUN(batch_is_published_at_once_or_not_at_all);
    RUN(batch_is_seen_whole_by_an_interrupt);
    RUN(parked_producer_costs_its_own_record);
    RUN(lapped_producer_never_tears_a_record);
    RUN(too_many_parked_producers_refuse_and_recover);
    RUN(push_interrupted_anywhere_by_producers_and_readers);
    RUN(push_a_lap_late_changes_nothing);
    RUN(parked_producer_may_leave_at_any_moment);
    RUN(lane_push_interrupted_anywhere_by_readers);
    RUN(commit_interrupted_anywhere);
    RUN(read_interrupted_anywhere_by_writers);
    RUN(join_interrupted_anywhere_holds_what_it_shows);
    RUN(reader_that_joins_inside_a_push_is_not_overwritten);
    RUN(reader_at_work_in_another_lane_is_not_expelled);
    RUN(timeout_is_over_after_any_silence_and_not_before);
    RUN(batch_of_one_is_taken_where_push_takes_it);
    RUN(span_ends_once_and_only_its_own_record);
    RUN(reader_expelled_inside_its_filter_is_told);
    RUN(trigger_of_many_lanes_needs_cursors_from_the_caller);
    RUN(refused_handles_answer_errors);
    RUN(limits_hold_on_every_path);
    RUN(random_operations_agree_with_the_model);
}

TEST(everything_holds_across_the_wrap_of_the_cursors) { CHECK(ring_start != 0); }

int main(void) {
    run_all();
    ring_start = (uint64_t)0 - 4096; /* 32 KB before the cursors wrap, 4096 numbers before theirs */
    if (!check_quick()) run_all();
    ring_start = (uint64_t)0 - 512;
    run_all();
    RUN(everything_holds_across_the_wrap_of_the_cursors);
    return CHECK_MAIN_END();
}
