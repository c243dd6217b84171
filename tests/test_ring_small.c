/* test_ring_small.c - the small ring of telem_ring.h on this machine: random operations against a model,
   resets, damaged memory, limits. Interrupts at every instruction: tests/mcu/small_ring.c. */
#include <stdint.h>
static uint32_t mask_enter(void);
static void mask_exit(uint32_t s);
#define TELEM_CRITICAL_ENTER(s) ((s) = mask_enter())
#define TELEM_CRITICAL_EXIT(s) mask_exit(s)
#define TELEM_NO_POSIX
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include "check.h"

#define ROOM 2048u
static uint64_t rng, memory[ROOM / 8], after[ROOM / 8];
static telem_ring_small *ring;
static uint8_t bytes[20000];

/* Stretches do not nest, and in none of them goes more than one old record. */
static uint32_t masked, most_masked, most_gone;
static uint64_t gone_before;
static uint32_t mask_enter(void) {
    if (masked == 0) gone_before = ring->lost + ring->aborted;
    if (masked + 1u > most_masked) most_masked = masked + 1u;
    return masked++;
}
static void mask_exit(uint32_t s) {
    uint64_t gone = ring->lost + ring->aborted - gone_before;
    masked = s;
    if (masked == 0 && gone > most_gone) most_gone = gone > 99u ? 99u : (uint32_t)gone;
}

static uint32_t roll(uint32_t n) { return (uint32_t)(check_rand(&rng) % n); }
static uint8_t byte_of(uint32_t id, uint32_t i) { return (uint8_t)(id * 7u + i * 31u + (id >> 8)); }
static uint32_t len_of(uint32_t id) { return id % 11u == 0 ? id * 5u % 300u : id * 13u % 40u; }
static uint32_t stream_of(uint32_t id) { return id * 40503u & 0xFFFFu; }
static int64_t time_of(uint32_t id) { return 0x7FFFFF000LL + (int64_t)id * 0x12345; }
static void fill(uint8_t *p, uint32_t id) {
    uint32_t i;
    for (i = 0; i < len_of(id); i++) p[i] = byte_of(id, i);
}

/* The model: records by number; what became of each. */
enum { NONE, OPEN, COMMITTED, ABORTED, REFUSED, DELIVERED, LOST };
#define MANY 4000u
static uint8_t fate[MANY];
static void *span_of[MANY];
static uint32_t ids, open_now;

static int is_record(const telem_ring_record *r, uint32_t id) {
    uint32_t i;
    if (r->stream != stream_of(id) || r->len != len_of(id) || r->time != time_of(id) || r->lane != 0) return 0;
    if ((uintptr_t)r->data & 7u) return 0;
    for (i = 0; i < r->len; i++)
        if (((const uint8_t *)r->data)[i] != byte_of(id, i)) return 0;
    return 1;
}
static uint32_t count(uint8_t what) {
    uint32_t i, n = 0;
    for (i = 0; i < ids; i++) n += fate[i] == what;
    return n;
}

/* What the ring says it lost went from the front. */
static void lose(uint64_t lost) {
    uint32_t i, n = count(LOST);
    for (i = 0; i < ids && n < lost; i++)
        if (fate[i] == COMMITTED) fate[i] = LOST, n++;
}
static void check_account(void) {
    telem_ring_counts c;
    telem_ring_reader_counts n;
    telem_ring_small_stats(ring, &c, &n);
    lose(n.lost);
    CHECK_EQ_INT(n.lost, count(LOST));
    CHECK_EQ_INT(n.delivered, count(DELIVERED));
    CHECK_EQ_INT(n.queued, count(COMMITTED));
    CHECK_EQ_INT(c.open, count(OPEN));
    CHECK_EQ_INT(c.aborted, count(ABORTED));
    CHECK_EQ_INT(c.refused, count(REFUSED));
    CHECK_EQ_INT(c.offered, ids);
    CHECK_EQ_INT(c.offered, c.committed + c.refused + c.aborted + c.open);
    CHECK(masked == 0);
}

static void offer(int in_place, int shared) {
    uint32_t id = ids++, len = len_of(id), stream = stream_of(id), time = (uint32_t)time_of(id);
    telem_result res;
    fill(bytes + id % 8u, id); /* any alignment */
    if (!in_place)
        res = shared ? telem_ring_small_push_shared(ring, stream, time, len ? bytes + id % 8u : NULL, len)
                     : telem_ring_small_push(ring, stream, time, len ? bytes + id % 8u : NULL, len);
    else
        res = shared ? telem_ring_small_begin_shared(ring, stream, time, len, &span_of[id])
                     : telem_ring_small_begin(ring, stream, time, len, &span_of[id]);
    CHECK(res == TELEM_OK || res == TELEM_FULL);
    if (res == TELEM_FULL && count(OPEN) + count(COMMITTED) == 0) CHECK_EQ_INT(res, TELEM_OK);
    fate[id] = res != TELEM_OK ? REFUSED : in_place ? OPEN : COMMITTED;
    open_now += fate[id] == OPEN;
    if (res == TELEM_OK && in_place) CHECK(((uintptr_t)span_of[id] & 7u) == 0);
}
static void end_one(void) {
    uint32_t n = roll(open_now), i, gone;
    for (i = 0; fate[i] != OPEN || n-- > 0; i++) {}
    gone = roll(4) == 0;
    fill((uint8_t *)span_of[i], i);
    CHECK_OK(gone ? telem_ring_small_abort(span_of[i]) : telem_ring_small_commit(span_of[i]));
    CHECK_EQ_INT(telem_ring_small_commit(span_of[i]), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_ring_small_abort(span_of[i]), TELEM_ERR_STATE);
    fate[i] = gone ? ABORTED : COMMITTED;
    open_now--;
}
static void take(uint32_t push_between) {
    telem_ring_record r, again;
    telem_ring_reader_counts n;
    uint32_t id;
    telem_result res = telem_ring_small_peek(ring, &r);
    telem_ring_small_stats(ring, NULL, &n);
    lose(n.lost);
    for (id = 0; id < ids && fate[id] != OPEN && fate[id] != COMMITTED; id++) {}
    CHECK_EQ_INT(res, id < ids && fate[id] == COMMITTED ? TELEM_OK : TELEM_EMPTY);
    if (res != TELEM_OK) {
        CHECK_EQ_INT(telem_ring_small_release(ring), TELEM_ERR_STATE);
        return;
    }
    CHECK(is_record(&r, id));
    while (push_between--) offer(0, 1);
    telem_ring_small_stats(ring, NULL, &n);
    lose(n.lost);
    if (fate[id] == COMMITTED) {
        CHECK_OK(telem_ring_small_peek(ring, &again));
        CHECK(again.data == r.data && is_record(&again, id));
        CHECK_OK(telem_ring_small_release(ring));
        fate[id] = DELIVERED;
    } else
        CHECK_EQ_INT(telem_ring_small_release(ring), TELEM_EXPELLED);
    CHECK_EQ_INT(telem_ring_small_release(ring), TELEM_ERR_STATE);
}
/* A reset at this moment: the copy goes on in the place of the ring. */
static void reset(void) {
    uint32_t i;
    memcpy(after, memory, sizeof memory);
    memset(memory, 0xA5, sizeof memory);
    memcpy(memory, after, sizeof memory);
    ring = NULL;
    REQUIRE_OK(telem_ring_small_attach(&ring, memory, sizeof memory));
    for (i = 0; i < ids; i++)
        if (fate[i] == OPEN) fate[i] = ABORTED;
    open_now = 0;
}

TEST(small_ring_random_operations_agree_with_the_model) {
    uint32_t round, rounds = check_quick() ? 40 : 1000, step;
    rng = check_seed();
    for (round = 0; round < rounds; round++) {
        uint32_t policy = round % 2u, busy = 1u + roll(8), steps = 200 + roll(1200);
        memset(fate, NONE, sizeof fate);
        ids = open_now = 0;
        memset(memory, 0x5A, sizeof memory);
        REQUIRE_OK(telem_ring_small_init(&ring, memory, sizeof memory, policy, time_of(0)));
        for (step = 0; step < steps && ids + 64u < MANY; step++) {
            uint32_t what = roll(12);
            if (what < busy) offer(0, (int)roll(2));
            else if (what == 8 && open_now < 4u) offer(1, (int)roll(2));
            else if (what == 9 && open_now) end_one();
            else if (what == 10 && roll(20) == 0) reset();
            else take(roll(30) == 0 ? roll(60) : 0);
            if (roll(8) == 0) check_account();
        }
        while (open_now) end_one();
        for (step = 0; step < 300; step++) take(0);
        check_account();
        CHECK_EQ_INT(count(COMMITTED), 0);
        if (policy == TELEM_RING_REFUSE) CHECK_EQ_INT(count(LOST), 0);
    }
    CHECK_EQ_INT(most_masked, 1);
    CHECK_EQ_INT(most_gone, 1);
}

TEST(small_ring_inline_pushes_are_those_of_the_functions) {
    uint32_t i;
    uint64_t v[8];
    telem_ring_record r;
    REQUIRE_OK(telem_ring_small_init(&ring, memory, sizeof memory, TELEM_RING_REFUSE, 0));
    for (i = 0; i < 1000; i++) {
        memset(v, (int)(i & 255u), sizeof v);
        CHECK_OK(telem_ring_small_push_inline(ring, 7, i, v, 8));
        CHECK_OK(telem_ring_small_push_shared_inline(ring, 8, i, v, 13));
        CHECK_OK(telem_ring_small_push_inline(ring, i, i, (const char *)v + 1, 63));
        CHECK_EQ_INT(telem_ring_small_push_inline(ring, 65536u, i, v, 8), TELEM_ERR_ARG);
        CHECK_OK(telem_ring_small_peek(ring, &r));
        CHECK(r.stream == 7 && r.len == 8 && r.time == (int64_t)i && memcmp(r.data, v, 8) == 0);
        CHECK_OK(telem_ring_small_release(ring));
        CHECK_OK(telem_ring_small_peek(ring, &r));
        CHECK(r.stream == 8 && r.len == 13 && memcmp(r.data, v, 13) == 0);
        CHECK_OK(telem_ring_small_release(ring));
        CHECK_OK(telem_ring_small_peek(ring, &r));
        CHECK(r.stream == i && r.len == 63 && memcmp(r.data, v, 63) == 0);
        CHECK_OK(telem_ring_small_release(ring));
    }
}

TEST(small_ring_limits_are_told) {
    static uint64_t large[(96 + 65536) / 8];
    telem_ring_record r;
    void *span;
    uint32_t len;
    CHECK_EQ_INT(telem_ring_small_init(&ring, NULL, 1000, 0, 0), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_small_init(NULL, memory, 1000, 0, 0), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_small_init(&ring, (char *)memory + 4, 1000, 0, 0), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_small_init(&ring, memory, 1000, 2, 0), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_small_init(&ring, memory, 255, 0, 0), TELEM_ERR_MEMORY);
    REQUIRE_OK(telem_ring_small_init(&ring, large, sizeof large, TELEM_RING_REFUSE, 0));
    CHECK_OK(telem_ring_small_push(ring, 1, 1, bytes, 16368));
    CHECK_EQ_INT(telem_ring_small_push(ring, 1, 1, bytes, 16369), TELEM_ERR_LIMIT);
    CHECK_EQ_INT(telem_ring_small_push(ring, 1, 1, bytes, UINT32_MAX), TELEM_ERR_LIMIT);
    CHECK_EQ_INT(telem_ring_small_begin(ring, 65536, 1, 8, &span), TELEM_ERR_ARG);
    CHECK_OK(telem_ring_small_peek(ring, &r));
    CHECK_EQ_INT(r.len, 16368);
    for (len = 0; len < 300; len++) { /* the longest goes in wherever an empty ring stands */
        uint32_t most = (uint32_t)(((ROOM - sizeof *ring) / 2u - 8u) & ~7u) - 8u;
        REQUIRE_OK(telem_ring_small_init(&ring, memory, sizeof memory, TELEM_RING_REFUSE, 0));
        CHECK_EQ_INT(telem_ring_small_push(ring, 1, 1, bytes, most + 1u), TELEM_ERR_LIMIT);
        for (span = NULL; span != memory; span = span ? (void *)memory : (void *)bytes) {
            CHECK_OK(telem_ring_small_push(ring, 1, 1, bytes, len * 3u));
            CHECK_OK(telem_ring_small_peek(ring, &r));
            CHECK_OK(telem_ring_small_release(ring));
        }
        CHECK_OK(telem_ring_small_push(ring, 1, 1, bytes, most));
    }
}

TEST(small_ring_of_any_size_takes_what_is_pushed_inline) {
    uint32_t size, i;
    uint64_t v[8] = {0};
    telem_ring_record r;
    for (size = 0; size < 600; size++) {
        telem_result res = telem_ring_small_init(&ring, memory, size, TELEM_RING_REFUSE, 0);
        CHECK_EQ_INT(res, size < 256 ? TELEM_ERR_MEMORY : TELEM_OK);
        for (i = 0; res == TELEM_OK && i < 20; i++) {
            CHECK_OK(i % 3u ? telem_ring_small_push_inline(ring, 1, i, v, 64)
                            : telem_ring_small_push_shared_inline(ring, 1, i, v, 48));
            CHECK_OK(telem_ring_small_peek(ring, &r));
            CHECK_OK(telem_ring_small_release(ring));
        }
    }
}

TEST(small_ring_attach_takes_any_stamp_and_any_mark) {
    static const int64_t stamps[] = {INT64_MAX, INT64_MIN, -1, 0x7FFFFFFF};
    telem_ring_record r;
    telem_ring_counts c;
    uint32_t i, word, time;
    for (i = 0; i < 8; i++) {
        REQUIRE_OK(telem_ring_small_init(&ring, memory, sizeof memory, TELEM_RING_REFUSE, 0));
        CHECK_OK(telem_ring_small_push(ring, 1, i & 1u ? 0x80000001u : 0x7FFFFFF0u, bytes, 8));
        CHECK_OK(telem_ring_small_push(ring, 2, 5, bytes, 8));
        ring->time = stamps[i / 2u], ring->refused = 1, ring->refused_first = ring->refused_last = i << 31;
        telem_i_pair_get(telem_i_small_cell(ring, (uint32_t)sizeof *ring), &word, &time);
        word |= 0xC000u; /* open and void: nobody writes that */
        telem_i_pair_put(telem_i_small_cell(ring, (uint32_t)sizeof *ring), word, time);
        REQUIRE_OK(telem_ring_small_attach(&ring, memory, sizeof memory));
        telem_ring_small_stats(ring, &c, NULL);
        CHECK_EQ_INT(c.open, 0);
        CHECK_EQ_INT(c.aborted, 1);
        CHECK_OK(telem_ring_small_peek(ring, &r));
        CHECK(r.stream == 2 && ((uint64_t)r.time & UINT32_MAX) == 5);
    }
}

TEST(small_ring_damage_is_harmless) {
    uint32_t i, n, bit, told = 0;
    uint8_t *copy = (uint8_t *)after;
    telem_ring_record r;
    telem_ring_counts c;
    rng = check_seed();
    for (i = 0; i < (check_quick() ? 20u : 400u); i++) {
        uint32_t policy = i % 2u;
        memset(fate, NONE, sizeof fate);
        ids = open_now = 0;
        REQUIRE_OK(telem_ring_small_init(&ring, memory, sizeof memory, policy, time_of(0)));
        for (n = roll(300); n > 0; n--) roll(3) ? offer(0, 0) : take(0);
        if (roll(2)) offer(1, 0);
        for (bit = 0; bit < 8u * 256u; bit++) {
            uint32_t at = bit < 8u * 96u ? bit : roll(8u * ROOM), step;
            memcpy(after, memory, sizeof after);
            copy[at / 8u] ^= (uint8_t)(1u << at % 8u);
            if (roll(4) == 0) copy[roll(ROOM)] ^= (uint8_t)roll(256);
            if (telem_ring_small_attach(&ring, after, sizeof after) != TELEM_OK) {
                told++;
                continue;
            }
            for (step = 0; telem_ring_small_peek(ring, &r) == TELEM_OK; step++) {
                if (step > ROOM / 8u || (const uint8_t *)r.data < copy || (const uint8_t *)r.data + r.len > copy + ROOM) {
                    CHECK_EQ_INT(step, 0); /* outside, or no end */
                    break;
                }
                if (telem_ring_small_release(ring) != TELEM_OK) break;
            }
            telem_ring_small_stats(ring, &c, NULL);
            for (step = 0; step < 50; step++)
                (void)telem_ring_small_push(ring, 1, step, bytes, roll(200));
        }
    }
    CHECK(told > 0);
    memset(after, 0, sizeof after);
    CHECK_EQ_INT(telem_ring_small_attach(&ring, after, sizeof after), TELEM_ERR_NOT_FOUND);
    CHECK_EQ_INT(telem_ring_small_attach(&ring, after, 8), TELEM_ERR_NOT_FOUND);
    REQUIRE_OK(telem_ring_small_init(&ring, after, sizeof after, 0, 0));
    CHECK_EQ_INT(telem_ring_small_attach(&ring, after, sizeof after - 8u), TELEM_ERR_CORRUPT);
}

int main(void) {
    RUN(small_ring_random_operations_agree_with_the_model);
    RUN(small_ring_inline_pushes_are_those_of_the_functions);
    RUN(small_ring_limits_are_told);
    RUN(small_ring_of_any_size_takes_what_is_pushed_inline);
    RUN(small_ring_attach_takes_any_stamp_and_any_mark);
    RUN(small_ring_damage_is_harmless);
    return CHECK_MAIN_END();
}
