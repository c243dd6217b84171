/* test_ring_attach.c - the black box of telem_ring.h: attach, notes, resume, triggers. The program
   is killed at every atomic access of random lives (the memory is copied there, which is what a
   kill leaves), every bit of a ring is flipped, every cut is tried; each error code, each cause of
   the account. test_ring_attach_narrow.c is the same with 32-bit cursors; tests/golden has rings
   of other machines. GOLDEN_RING=file writes such a ring. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <stddef.h>
#include <stdint.h>

#ifndef TEST_WIDE
#define TEST_WIDE 1
#endif
static void (*at_each_point)(void); /* called before every atomic access */
static uint64_t ring_start;
#define TELEM_I_RING_START ring_start

static inline void point(void) {
    void (*call)(void) = at_each_point;
    if (!call) return;
    at_each_point = NULL;
    call();
    at_each_point = call;
}
typedef uint32_t telem_atomic32;
static inline uint32_t t_load32(const uint32_t *p) { point(); return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void t_store32(uint32_t *p, uint32_t v) { point(); __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline uint32_t t_add32(uint32_t *p, uint32_t v) {
    point();
    return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL);
}
static inline int t_cas32(uint32_t *p, uint32_t *e, uint32_t d) {
    point();
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
    return __atomic_compare_exchange_n(p, e, d, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
#define TELEM_LOAD64_RELAXED(p) t_load64(p)
#define TELEM_LOAD64_ACQUIRE(p) t_load64(p)
#define TELEM_STORE64_RELAXED(p, v) t_store64(p, v)
#define TELEM_STORE64_RELEASE(p, v) t_store64(p, v)
#define TELEM_CAS64(p, e, d) t_cas64(p, e, d)
#endif

#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include "check.h"

#define NEVER(what) ((void)check_that(0, __FILE__, __LINE__, what))
#define MEMORY 16384u
#define MOST 60000u /* records of a life */

static uint64_t memory[MEMORY / 8], second[MEMORY / 8 + 1];
static uint8_t buf[1 << 20];
static telem_ring *ring;

/* ---- a life: what was done with the ring, to compare with ---- */

enum { OPEN, COMMITTED, GONE, MAYBE }; /* MAYBE: its commit is under way */
typedef struct note_of {
    uint8_t state, lane, released;
    uint32_t stream, len;
} note_of;
static note_of life[MOST];
static uint32_t lived, done; /* records; of them committed */
static int64_t time_first, time_step;

static int64_t time_of(uint32_t n) { return time_first + (int64_t)n * time_step; }
static void fill(uint8_t *p, uint32_t n, uint32_t len) {
    uint32_t i;
    for (i = 0; i < len; i++) p[i] = (uint8_t)((n >> (i % 4u * 8u)) + i / 4u + 1u);
}
static int whole(const void *data, uint32_t n, uint32_t len) {
    static uint8_t want[sizeof buf];
    fill(want, n, len);
    return memcmp(want, data, len) == 0;
}
static uint32_t begun(uint32_t lane, uint32_t stream, uint32_t len, int state) {
    note_of *r = &life[lived];
    r->state = (uint8_t)state, r->lane = (uint8_t)lane, r->released = 0, r->stream = stream, r->len = len;
    return lived++;
}
static uint32_t stream_of(uint32_t n) {
    static const uint32_t some[] = {0, 1, 254, 255, 256, 65535, 65536, 0xFFFFFFFEu};
    return some[n * 2654435761u >> 29];
}
static telem_result push(telem_ring_writer *w, uint32_t len) {
    static uint8_t bytes[sizeof buf];
    uint32_t n = begun((uint32_t)w->index, stream_of(lived), len, MAYBE);
    telem_result res;
    fill(bytes, n, len);
    res = telem_ring_push(w, life[n].stream, time_of(n), bytes, len);
    life[n].state = res == TELEM_OK ? COMMITTED : GONE;
    done += res == TELEM_OK;
    return res;
}

static void forget(void) {
    lived = done = 0;
    time_first = 1000, time_step = 0x13579BDF; /* the upper half changes every 14 records */
}
static int make(uint32_t lanes, uint32_t lane_bytes, uint32_t shared_bytes, uint32_t policy) {
    telem_ring_desc d = TELEM_ZERO;
    d.memory = memory, d.memory_size = sizeof memory;
    d.lanes = lanes, d.lane_bytes = lane_bytes, d.shared_bytes = shared_bytes, d.policy = policy;
    d.notes_bytes = 256;
    forget();
    return telem_ring_init(&ring, &d) == TELEM_OK;
}

static telem_result attach(telem_ring_image *im, const void *bytes, size_t size) {
    telem_ring_attach_desc d = TELEM_ZERO;
    d.bytes = bytes, d.size = size;
    return telem_ring_attach(im, &d);
}
static uint64_t sum_of(const telem_ring_account *a) {
    return a->saved + a->overwritten + a->half + a->damaged + a->outside;
}

/* ---- what an image must say of the life so far ---- */

static uint8_t seen[MOST];

/* Reads all of im: each record must be one of the life, whole, once, in order. How many. */
static uint32_t read_all(telem_ring_image *im) {
    telem_ring_record rec;
    uint32_t count = 0, next = 0;
    telem_result res;
    memset(seen, 0, lived);
    while ((res = telem_ring_image_read(im, &rec, buf, sizeof buf)) == TELEM_OK) {
        uint32_t n = (uint32_t)((rec.time - time_first) / time_step);
        if (n >= lived || time_of(n) != rec.time || n < next ||
            (life[n].state != COMMITTED && life[n].state != MAYBE) || rec.lane != life[n].lane ||
            rec.stream != life[n].stream || rec.len != life[n].len || !whole(rec.data, n, rec.len)) {
            NEVER("a record that was never committed, or out of its place");
            return count;
        }
        seen[n] = 1;
        next = n + 1u;
        count++;
    }
    CHECK_EQ_INT(res, TELEM_END);
    return count;
}

/* Of each lane all records from the oldest that was read; at least `least` bytes of them (or all
   there were); and everything that a gating reader had not yet released. */
static void nothing_is_missing(uint32_t lanes, const uint32_t *least, int gated) {
    uint32_t lane, n;
    for (lane = 0; lane < lanes; lane++) {
        uint32_t bytes = 0, all = 1;
        for (n = lived; n > 0; n--) {
            const note_of *r = &life[n - 1u];
            if (r->lane != lane || r->state != COMMITTED) continue;
            if (!seen[n - 1u]) all = 0;
            else if (all) bytes += 8u + (r->len + 7u) / 8u * 8u;
            else NEVER("a record is missing between others");
            if (gated && !r->released && !seen[n - 1u])
                NEVER("a record that a gating reader held is missing");
        }
        if (!all && bytes < least[lane]) CHECK_EQ_INT(bytes, least[lane]);
    }
}

static uint32_t image_least[4];
static int image_gated, image_exact;
static uint32_t image_lanes, images, opened;
static uint64_t image_rng;

static void check_image(const void *bytes) {
    telem_ring_image im;
    telem_ring_account *a = &im.account;
    uint32_t maybe = 0, n;
    size_t shift = check_rand(&image_rng) % 8u;
    memcpy((char *)second + shift, bytes, ring->fixed.bytes); /* at any alignment */
    for (n = 0; n < lived; n++) maybe += life[n].state == MAYBE;
    if (attach(&im, (char *)second + shift, ring->fixed.bytes) != TELEM_OK) {
        NEVER("not attached");
        return;
    }
    CHECK(a->lanes_lost == 0 && a->unknown == 0 && a->damaged == 0 && a->outside == 0);
    CHECK_EQ_INT(a->committed, sum_of(a));
    CHECK(a->committed >= done && a->committed <= done + maybe);
    CHECK(a->open <= opened + (maybe ? maybe : 1u));
    if (image_exact) CHECK_EQ_INT(a->open, opened);
    CHECK_EQ_INT(read_all(&im), a->saved);
    nothing_is_missing(image_lanes, image_least, image_gated);
    images++;
}
static void check_here(void) { check_image(memory); }

/* A reader that joins now gets the same records, but for those that only a gate holds. */
static void same_as_a_reader(void) {
    static uint64_t copy[512 / 8];
    telem_ring_reader rd;
    telem_ring_reader_desc q = TELEM_ZERO;
    telem_ring_record rec;
    telem_result res;
    uint32_t n, more = 0;
    q.copy = copy, q.copy_size = sizeof copy;
    CHECK_OK(telem_ring_reader_init(&rd, ring, &q));
    while ((res = telem_ring_peek(&rd, &rec)) == TELEM_OK) {
        n = (uint32_t)((rec.time - time_first) / time_step);
        CHECK(seen[n]);
        seen[n] = 0;
        CHECK_OK(telem_ring_release(&rd));
    }
    for (n = 0; n < lived; n++) more += seen[n];
    if (opened == 0) CHECK_EQ_INT(res, TELEM_EMPTY);
    if (!image_gated && opened == 0) CHECK_EQ_INT(more, 0);
}

/* Goes on with a copy of the ring as the next life would. */
static void check_resume(void) {
    static uint64_t copy[MEMORY / 8];
    static note_of was[MOST];
    uint32_t was_lived = lived, was_done = done, was_opened = opened, i, n;
    telem_ring *r = NULL, *old = ring;
    telem_ring_account a;
    telem_ring_image im;
    telem_ring_writer w;
    telem_ring_reader rd;
    telem_ring_reader_desc q = TELEM_ZERO;
    telem_ring_record rec;
    telem_ring_counts counts;
    void (*hook)(void) = at_each_point;
    int was_gated;
    at_each_point = NULL;
    memcpy(was, life, lived * sizeof *life);
    memcpy(copy, memory, ring->fixed.bytes);
    CHECK_EQ_INT(telem_ring_resume(&r, copy, sizeof copy, NULL, &a), TELEM_OK);
    if (!r) return;
    ring = r;
    CHECK_OK(attach(&im, copy, sizeof copy));
    CHECK_EQ_INT(im.account.open, 0);
    CHECK_EQ_INT(im.account.committed, a.committed);
    CHECK(im.account.saved == a.saved || (image_gated && im.account.saved <= a.saved));
    for (n = 0; n < lived; n++) /* what was open is void, what was on its way is decided */
        if (life[n].state == OPEN) life[n].state = GONE;
    CHECK_EQ_INT(read_all(&im), im.account.saved);
    for (n = 0; n < lived; n++)
        if (life[n].state == MAYBE) life[n].state = seen[n] ? COMMITTED : GONE, done += seen[n];
    CHECK_EQ_INT(done, a.committed);
    q.copy = buf, q.copy_size = 4096;
    CHECK_OK(telem_ring_reader_init(&rd, r, &q));
    for (n = 0; n < lived; n++) { /* the ordinary reader has the same records */
        if (!seen[n]) continue;
        if (telem_ring_peek(&rd, &rec) != TELEM_OK || rec.time != time_of(n) || !whole(rec.data, n, rec.len))
            NEVER("reader after resume");
        CHECK_OK(telem_ring_release(&rd));
    }
    CHECK_EQ_INT(telem_ring_peek(&rd, &rec), TELEM_EMPTY);
    for (i = 0; i < 40u; i++) {
        CHECK_OK(telem_ring_writer_init(
            &w, r, i % image_lanes == r->fixed.lanes ? TELEM_RING_SHARED : (int)(i % image_lanes)));
        CHECK_OK(push(&w, i % 23u));
        CHECK_EQ_INT(telem_ring_peek(&rd, &rec), TELEM_OK);
        CHECK(rec.time == time_of(lived - 1u));
        CHECK_OK(telem_ring_release(&rd));
        CHECK_OK(telem_ring_writer_deinit(&w));
    }
    opened = 0;
    CHECK_OK(telem_ring_stats(r, &counts));
    CHECK_EQ_INT(counts.committed, done);
    CHECK_EQ_INT(counts.open, 0);
    CHECK_EQ_INT(counts.aborted, a.aborted + a.open);
    was_gated = image_gated;
    image_gated = 0; /* nobody gates any more */
    check_image(copy);
    image_gated = was_gated;
    memcpy(life, was, was_lived * sizeof *life);
    lived = was_lived, done = was_done, opened = was_opened, ring = old;
    at_each_point = hook;
}

/* ---- lives ---- */

typedef struct live_span {
    telem_ring_span span;
    uint32_t n;
} live_span;

/* Random operations; the hook looks at the ring before every atomic access of them. */
static void live(uint64_t *rng, uint32_t lanes, uint32_t shared, uint32_t policy, uint32_t steps,
                 int contiguous, int gating) {
    telem_ring_desc d = TELEM_ZERO;
    telem_ring_writer w[3];
    telem_ring_reader rd;
    telem_ring_reader_desc q = TELEM_ZERO;
    live_span open[3], lane_open;
    uint32_t opens = 0, all = lanes + (shared != 0), i, step, lane_is_open = 0;
    forget();
    d.memory = memory, d.memory_size = sizeof memory, d.lanes = lanes, d.lane_bytes = 512, d.policy = policy;
    d.shared_bytes = shared, d.contiguous = (uint8_t)contiguous, d.max_record = shared ? 104 : 120;
    if (check_rand(rng) % 2u) time_first = -(int64_t)(check_rand(rng) % 50u) * time_step;
    if (check_rand(rng) % 4u == 0) time_first = INT64_MIN + 1;
    REQUIRE_OK(telem_ring_init(&ring, &d));
    for (i = 0; i < all; i++)
        REQUIRE_OK(telem_ring_writer_init(&w[i], ring, i == lanes ? TELEM_RING_SHARED : (int)i));
    q.gating = (uint8_t)gating, q.copy = buf, q.copy_size = 256;
    REQUIRE_OK(telem_ring_reader_init(&rd, ring, &q));
    image_lanes = all, image_gated = gating, opened = 0;
    for (i = 0; i < all; i++)
        image_least[i] = contiguous ? 32u : 152u; /* of 512: less a block, two large records */
    if (shared) image_least[lanes] = 0; /* parked spans and a batch of the tail cost more */
    for (step = 0; step < steps; step++) {
        uint32_t which = (uint32_t)(check_rand(rng) % all),
                 len = (uint32_t)(check_rand(rng) % 12u ? check_rand(rng) % 40u : check_rand(rng) % 105u);
        telem_ring_writer *use = &w[which];
        uint32_t what = (uint32_t)(check_rand(rng) % 16u);
        telem_ring_record rec;
        at_each_point = check_here;
        if (what < 8u) {
            if (!(lane_is_open && which == 0)) (void)push(use, len);
        } else if (what < 10u && which == lanes && opens < 3u) { /* begin in the shared lane */
            uint32_t n = begun(which, stream_of(lived), len, OPEN);
            telem_result res = telem_ring_begin(use, life[n].stream, time_of(n), len, &open[opens].span);
            if (res == TELEM_OK) open[opens++].n = n, opened++;
            else life[n].state = GONE;
        } else if (what < 12u && opens) { /* and its end */
            live_span *s = &open[check_rand(rng) % opens];
            uint8_t bytes[256];
            telem_result res = TELEM_OK;
            fill(bytes, s->n, life[s->n].len);
            (void)telem_ring_span_write(&w[lanes], &s->span, 0, bytes, life[s->n].len);
            if (check_rand(rng) % 4u) {
                life[s->n].state = MAYBE;
                res = telem_ring_commit(&w[lanes], &s->span);
                life[s->n].state = res == TELEM_OK ? COMMITTED : GONE;
                done += res == TELEM_OK;
            } else { /* never read, whatever the moment */
                CHECK_OK(telem_ring_abort(&w[lanes], &s->span));
                life[s->n].state = GONE;
            }
            *s = open[--opens];
        } else if (what < 13u && !lane_is_open && lanes) {
            lane_open.n = begun(0, stream_of(lived), len, OPEN);
            if (telem_ring_begin(&w[0], life[lane_open.n].stream, time_of(lane_open.n), len,
                                 &lane_open.span) == TELEM_OK)
                lane_is_open = 1, opened++;
            else life[lane_open.n].state = GONE;
        } else if (what < 14u && lane_is_open) {
            uint8_t bytes[256];
            uint32_t n = lane_open.n;
            fill(bytes, n, life[n].len);
            (void)telem_ring_span_write(&w[0], &lane_open.span, 0, bytes, life[n].len);
            if (check_rand(rng) % 4u) {
                life[n].state = MAYBE;
                CHECK_OK(telem_ring_commit(&w[0], &lane_open.span));
                life[n].state = COMMITTED;
                done++;
            } else {
                CHECK_OK(telem_ring_abort(&w[0], &lane_open.span));
                life[n].state = GONE;
            }
            lane_is_open = 0;
        } else if (telem_ring_peek(&rd, &rec) == TELEM_OK) {
            uint32_t n = (uint32_t)((rec.time - time_first) / time_step);
            life[n].released = 1;
            (void)telem_ring_release(&rd);
        }
        at_each_point = NULL;
        for (i = 0, opened = lane_is_open; i < opens; i++) /* those that were revoked count as refused */
            opened += (telem_i_desc_state(
                           telem_i_shared_desc(ring, telem_i_ring_shared_of(ring), open[i].span.number)) &
                       TELEM_I_STATE) == TELEM_I_RESERVED;
        image_exact = 1;
        check_here();
        same_as_a_reader();
        image_exact = 0;
        if (step % 16u == 0) check_resume();
    }
}

TEST(killed_at_any_instruction_all_that_was_committed_is_read) {
    uint64_t rng = check_seed();
    uint32_t i, runs = check_quick() ? 8 : 60;
    image_rng = rng;
    images = 0;
    for (i = 0; i < runs; i++) {
        static const uint64_t starts[] = {0, 0, 0xFFF00000u, 0x7FF00000u};
        ring_start = starts[i / 8u % 4u];
        live(&rng, i % 3u, i % 3u == 0 || i % 2u ? 512 : 0,
             i % 4u / 2u ? TELEM_RING_OVERWRITE : TELEM_RING_REFUSE, 300, i % 8u == 5u, i % 4u == 1u);
        if (check_g.bad) break;
    }
    ring_start = 0;
    CHECK(images > 1000u);
}

/* ---- every error code ---- */

TEST(memory_without_a_ring_is_told_apart) {
    telem_ring_image im;
    telem_ring_attach_desc d = TELEM_ZERO;
    telem_ring_record rec;
    uint64_t rng = check_seed();
    uint32_t i, word;
    CHECK_EQ_INT(telem_ring_attach(&im, NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_attach(&im, &d), TELEM_ERR_ARG);
    memset(second, 0, sizeof second);
    CHECK_EQ_INT(attach(&im, second, sizeof second), TELEM_ERR_NOT_FOUND);
    memset(second, 0xFF, sizeof second); /* erased flash */
    CHECK_EQ_INT(attach(&im, second, sizeof second), TELEM_ERR_NOT_FOUND);
    for (i = 0; i < sizeof second / 8u; i++) second[i] = check_rand(&rng); /* RAM after power-on */
    CHECK_EQ_INT(attach(&im, second, sizeof second), TELEM_ERR_NOT_FOUND);
    CHECK_EQ_INT(telem_ring_image_read(&im, &rec, buf, sizeof buf), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_image_read(NULL, &rec, buf, sizeof buf), TELEM_ERR_ARG);
    REQUIRE(make(2, 512, 1024, TELEM_RING_REFUSE));
    CHECK_EQ_INT(attach(&im, memory, 127), TELEM_ERR_TRUNCATED);
    CHECK_EQ_INT(attach(&im, memory, 0), TELEM_ERR_TRUNCATED);
    CHECK_EQ_INT(attach(&im, memory, 128), TELEM_OK);
    CHECK_EQ_INT(im.account.lanes_lost, 3);
    CHECK_EQ_INT(telem_ring_image_read(&im, &rec, buf, sizeof buf), TELEM_END);
    CHECK_EQ_INT(telem_ring_image_read(&im, NULL, buf, sizeof buf), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_image_read(&im, &rec, NULL, 1), TELEM_ERR_ARG);
    for (i = 0; i < 25u; i++) { /* every planned word of the head */
        uint32_t bit;
        for (bit = 0; bit < 32u; bit++) {
            telem_result want = (i == 15u || i == 16u) && bit == 0
                                    ? TELEM_OK /* the other policy, contiguous: as good */
                                : i == 0 || i == 2u ? TELEM_ERR_NOT_FOUND
                                : i == 1u           ? TELEM_ERR_UNSUPPORTED
                                                    : TELEM_ERR_CORRUPT;
            memcpy(second, memory, ring->fixed.bytes);
            memcpy(&word, (char *)second + i * 4u, 4);
            word ^= 1u << bit;
            memcpy((char *)second + i * 4u, &word, 4);
            CHECK_EQ_INT(attach(&im, second, sizeof second), want);
        }
    }
    memcpy(second, memory, ring->fixed.bytes); /* 120: the clock's width */
    word = 65;
    memcpy((char *)second + 120, &word, 4);
    CHECK_EQ_INT(attach(&im, second, sizeof second), TELEM_ERR_CORRUPT);
#if !TEST_WIDE
    memcpy(second, memory, ring->fixed.bytes);
    word = 64;
    memcpy((char *)second + 12, &word, 4);
    CHECK_EQ_INT(attach(&im, second, sizeof second), TELEM_ERR_UNSUPPORTED);
#endif
}

TEST(many_lanes_need_cursors) {
    static uint64_t cursors[TELEM_RING_IMAGE_BYTES(20) / 8];
    telem_ring_image im;
    telem_ring_attach_desc d = TELEM_ZERO;
    telem_ring_writer w;
    uint32_t i, n;
    REQUIRE(make(10, 512, 512, TELEM_RING_OVERWRITE));
    for (i = 0; i < 10u; i++) {
        REQUIRE_OK(telem_ring_writer_init(&w, ring, TELEM_RING_CLAIM));
        for (n = 0; n < 5u; n++) CHECK_OK(push(&w, n));
    }
    d.bytes = memory, d.size = sizeof memory;
    CHECK_EQ_INT(telem_ring_attach(&im, &d), TELEM_ERR_MEMORY);
    d.cursors = cursors, d.cursors_size = TELEM_RING_IMAGE_BYTES(10) - 1u;
    CHECK_EQ_INT(telem_ring_attach(&im, &d), TELEM_ERR_MEMORY);
    d.cursors = (char *)cursors + 4, d.cursors_size = sizeof cursors - 8u;
    CHECK_EQ_INT(telem_ring_attach(&im, &d), TELEM_ERR_ARG);
    d.cursors = cursors, d.cursors_size = TELEM_RING_IMAGE_BYTES(10);
    REQUIRE_OK(telem_ring_attach(&im, &d));
    CHECK_EQ_INT(read_all(&im), 50);
    telem_ring_image_rewind(&im);
    CHECK_EQ_INT(read_all(&im), 50);
}

TEST(record_larger_than_the_buffer_stays) {
    telem_ring_image im;
    telem_ring_record rec;
    telem_ring_writer w;
    REQUIRE(make(1, 1024, 0, TELEM_RING_OVERWRITE));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
    CHECK_OK(push(&w, 100));
    CHECK_OK(push(&w, 0));
    REQUIRE_OK(attach(&im, memory, sizeof memory));
    CHECK_EQ_INT(telem_ring_image_max_record(&im), 256);
    CHECK_EQ_INT(telem_ring_image_read(&im, &rec, buf, 99), TELEM_ERR_MEMORY);
    CHECK(rec.len == 100 && rec.data == NULL);
    CHECK_EQ_INT(telem_ring_image_read(&im, &rec, buf, 100), TELEM_OK);
    CHECK(whole(rec.data, 0, 100));
    CHECK_EQ_INT(telem_ring_image_read(&im, &rec, NULL, 0), TELEM_OK);
    CHECK_EQ_INT(telem_ring_image_read(&im, &rec, buf, 100), TELEM_END);
}

/* ---- every cause of the account ---- */

TEST(account_names_each_cause) {
    telem_ring_image im;
    telem_ring_writer w, sh;
    telem_ring_span span, other, third;
    telem_ring_account *a = &im.account;
    telem_i_ring_lane *l;
    telem_ring_counts counts;
    telem_i_pos anchor;
    uint32_t i, was;
    uint8_t bytes[64] = {0};
    REQUIRE(make(1, 1024, 1024, TELEM_RING_OVERWRITE));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
    REQUIRE_OK(telem_ring_writer_init(&sh, ring, TELEM_RING_SHARED));
    for (i = 0; i < 200u; i++) CHECK_OK(push(&w, 8u)); /* time entries included, more than a lap */
    REQUIRE_OK(attach(&im, memory, sizeof memory));
    CHECK(a->committed == 200 && a->saved > 40 && a->overwritten > 120 &&
          a->half + a->saved + a->overwritten == 200);
    CHECK(a->half <= 4); /* what the claim of the last block gave up */
    CHECK(a->open + a->refused + a->aborted + a->damaged + a->outside + a->lanes_lost + a->unknown == 0);

    REQUIRE_OK(telem_ring_begin(&w, 1, 1, 8, &span)); /* open */
    CHECK_OK(telem_ring_begin(&sh, 1, 1, 8, &other));
    CHECK_OK(telem_ring_begin(&sh, 1, 1, 8, &third));
    REQUIRE_OK(attach(&im, memory, sizeof memory));
    CHECK_EQ_INT(a->open, 3);
    CHECK_OK(telem_ring_abort(&sh, &other));
    CHECK_OK(telem_ring_abort(&w, &span));
    REQUIRE_OK(attach(&im, memory, sizeof memory));
    CHECK(a->open == 1 && a->aborted == 2);
    for (i = 0; i < 200u; i++) CHECK_OK(telem_ring_push(&sh, 1, 1, bytes, 8)); /* the third is revoked */
    REQUIRE_OK(attach(&im, memory, sizeof memory));
    CHECK_OK(telem_ring_stats(ring, &counts));
    CHECK(a->open == 0 && a->refused == 1 && counts.refused == 1);
    CHECK_EQ_INT(a->committed, counts.committed);

    memcpy(second, memory, sizeof memory); /* a head in the middle of the lane that says another length */
    l = telem_i_ring_lane_at((telem_ring *)second, 0);
    memset((char *)telem_i_ring_lane_data((telem_ring *)second, l) + 512, 0x11, 16);
    REQUIRE_OK(attach(&im, second, sizeof memory));
    CHECK(a->damaged >= 1 && a->damaged <= 8 && a->unknown == 0 && a->committed == counts.committed);
    CHECK_EQ_INT(a->committed, sum_of(a));

    memcpy(second, memory, sizeof memory); /* cut in the middle of the lane's data */
    was = (uint32_t)((char *)telem_i_ring_lane_data((telem_ring *)second, l) - (char *)second) + 512u;
    REQUIRE_OK(attach(&im, second, was));
    CHECK(a->outside >= 20 && a->lanes_lost == 1 && a->committed == 200 && a->committed == sum_of(a));
    REQUIRE_OK(attach(&im, second, was - 1000u));
    CHECK(a->lanes_lost == 2 && a->committed == 0);

    memset(&l->floor, 0x55, 4); /* a cursor out of range */
    REQUIRE_OK(attach(&im, second, sizeof memory));
    CHECK_EQ_INT(a->lanes_lost, 1);
    memcpy(second, memory, sizeof memory); /* an anchor that counts nonsense */
    anchor = (TELEM_I_POS_RELAXED(&l->tip.committed) >> ring->fixed.block_log2) - 3u;
    TELEM_I_POS_SET_RELAXED(&telem_i_ring_anchor_at((telem_ring *)second, l, anchor)->seq, 0x44444444u);
    REQUIRE_OK(attach(&im, second, sizeof memory));
    CHECK(a->unknown + a->damaged == 0 && a->committed == counts.committed); /* it alone: passed over */
    memset(telem_i_ring_unit(telem_i_ring_lane_data((telem_ring *)second, l), ring->fixed.lane_units - 1u,
                             (anchor << ring->fixed.block_log2) - 4u), 0x11, 16);
    REQUIRE_OK(attach(&im, second, sizeof memory)); /* with the records before it, too */
    CHECK(a->unknown >= 1 && a->saved > 20);
    CHECK_EQ_INT(a->committed, sum_of(a));
    memcpy(second, memory, sizeof memory); /* the count itself */
    TELEM_I_POS_SET_RELAXED(&l->tip.count, 0x44444444u);
    REQUIRE_OK(attach(&im, second, sizeof memory));
    CHECK(a->unknown >= 1 && a->saved > 20);
    memcpy(second, memory, sizeof memory); /* the tail of the shared lane */
    TELEM_STORE32_RELAXED(&telem_i_ring_shared_of((telem_ring *)second)->tail, 0x44444444u);
    REQUIRE_OK(attach(&im, second, sizeof memory));
    CHECK_EQ_INT(a->lanes_lost, 1);
    memcpy(second, memory, sizeof memory); /* a descriptor */
    i = TELEM_LOAD32_RELAXED(&telem_i_ring_shared_of((telem_ring *)second)->tail) + 5u;
    memset(telem_i_shared_desc((telem_ring *)second, telem_i_ring_shared_of((telem_ring *)second), i), 0xEE,
           8);
    REQUIRE_OK(attach(&im, second, sizeof memory));
    CHECK(a->damaged == 2 && a->committed == counts.committed); /* the next one's begin is not sure */
}

/* ---- damage ---- */

/* A ring with everything in it: more than a lap, records long and short, a parked producer. */
static int busy_ring(uint32_t policy) {
    telem_ring_writer w, sh;
    telem_ring_span span;
    telem_ring_reader rd;
    telem_ring_reader_desc q = TELEM_ZERO;
    uint32_t i, n;
    if (!make(1, 512, 512, policy)) return 0;
    if (telem_ring_writer_init(&w, ring, 0) != TELEM_OK ||
        telem_ring_writer_init(&sh, ring, TELEM_RING_SHARED) != TELEM_OK)
        return 0;
    for (i = 0; i < 300u; i++) {
        (void)push(i % 3u ? &w : &sh, i * 7u % 61u);
        if (i == 100u || i == 290u) {
            n = begun(1, 7, 24, OPEN);
            (void)telem_ring_begin(&sh, 7, time_of(n), 24, &span);
        }
        if (i == 270u && policy == TELEM_RING_REFUSE) {
            q.gating = 1;
            if (telem_ring_reader_init(&rd, ring, &q) != TELEM_OK) return 0;
        }
    }
    return 1;
}

/* Is it record n, but perhaps for a length that fills the same units? */
static int may_be(const telem_ring_record *rec, uint64_t n) {
    return n < lived && life[n].state == COMMITTED && (rec->len + 7u) / 8u == (life[n].len + 7u) / 8u &&
           whole(buf, (uint32_t)n, rec->len < life[n].len ? rec->len : life[n].len);
}

/* As read_all, of a ring in which bits were flipped: stamps and streams have no check, so a record
   is known by its stamp or by its bytes. */
static void read_damaged(telem_ring_image *im) {
    telem_ring_record rec;
    uint32_t count = 0, n, wrong = 0;
    CHECK_EQ_INT(im->account.committed, sum_of(&im->account));
    while (telem_ring_image_read(im, &rec, buf, sizeof buf) == TELEM_OK && count++ < 4000u) {
        n = (uint32_t)(((uint32_t)buf[0] - 1u) & 255u) | (uint32_t)(((uint32_t)buf[1] - 1u) & 255u) << 8;
        wrong += rec.len >= 4u &&
                 !may_be(&rec, ((uint64_t)rec.time - (uint64_t)time_first) / (uint64_t)time_step) &&
                 !may_be(&rec, n);
    }
    CHECK_EQ_INT(count, im->account.saved);
    CHECK_EQ_INT(wrong, 0);
}

/* What nothing else tells: the state of a record in the shared lane (an open one becomes a
   committed one), and the length of the last. */
static int says_that_it_is_a_record(uint32_t at, uint32_t bit) {
    telem_i_ring_shared *s = telem_i_ring_shared_of(ring);
    uint32_t from = (uint32_t)((char *)telem_i_shared_desc(ring, s, 0) - (char *)memory), state, start;
    const uint16_t order = 1;
    uint8_t low;
    if (at < from || (at - from) / 8u >= ring->fixed.shared_records) return 0;
    if ((at - from) / 8u == ((telem_i_shared_find(ring, s) - 1u) & (ring->fixed.shared_records - 1u)))
        return 1;
    memcpy(&low, &order, 1); /* the state's three bits are the lowest of a word, or of the first of two */
    if ((at - from) % 8u != (low ? 0u : sizeof(telem_i_ring_cell) - 1u) || bit > 2u) return 0;
    state = telem_i_desc_load(telem_i_shared_desc(ring, s, (at - from) / 8u), &start) & TELEM_I_STATE;
    return (state ^ 1u << bit) == TELEM_I_COMMITTED;
}

TEST(every_flipped_bit_is_harmless) {
    uint32_t policy, at, bit, data_at, data_end, shared_at;
    telem_ring_image im;
    (void)check_seed(); /* a quick run flips every fifth bit, another fifth each time */
    for (policy = 0; policy < 2u; policy++) {
        REQUIRE(busy_ring(policy));
        data_at =
            (uint32_t)((char *)telem_i_ring_lane_data(ring, telem_i_ring_lane_at(ring, 0)) - (char *)memory);
        data_end = data_at + 512u;
        shared_at =
            (uint32_t)((char *)telem_i_shared_data(ring, telem_i_ring_shared_of(ring)) - (char *)memory);
        for (at = 128; at < shared_at + 512u; at++) {
            int head_of_shared = at >= shared_at;
            for (bit = 0; bit < 8u; bit++) {
                telem_result res;
                if (check_quick() && (at * 8u + bit) % 5u != check_g.seed % 5u) continue;
                memcpy(second, memory, ring->fixed.bytes);
                ((uint8_t *)second)[at] ^= (uint8_t)(1u << bit);
                res = attach(&im, second, ring->fixed.bytes);
                CHECK_EQ_INT(res, TELEM_OK);
                if (res != TELEM_OK) continue;
                CHECK(im.account.saved <= 300u);
                if (at >= data_at &&
                    at < data_end) { /* payload or head: lengths are checked by what follows */
                    telem_ring_record rec;
                    while (telem_ring_image_read(&im, &rec, buf, sizeof buf) == TELEM_OK) {}
                } else if (!head_of_shared && !says_that_it_is_a_record(at, bit))
                    read_damaged(&im);
                if (check_g.bad > 20) return;
            }
        }
    }
}

TEST(every_cut_is_harmless) {
    uint32_t policy;
    size_t n;
    telem_ring_image im;
    for (policy = 0; policy < 2u; policy++) {
        REQUIRE(busy_ring(policy));
        for (n = 128; n <= ring->fixed.bytes; n += check_quick() ? 3u : 1u) {
            uint8_t *cut = (uint8_t *)malloc(n); /* the sanitizer watches its end */
            REQUIRE(cut != NULL);
            memcpy(cut, memory, n);
            CHECK_OK(attach(&im, cut, n));
            CHECK_EQ_INT(im.account.committed, sum_of(&im.account));
            CHECK_EQ_INT(read_all(&im), im.account.saved);
            free(cut);
            if (check_g.bad) return;
        }
        CHECK(im.account.saved > 10);
    }
}

TEST(large_records_and_lanes_are_read) {
    static uint64_t large[(1 << 21) / 8];
    telem_ring_desc d = TELEM_ZERO;
    telem_ring_writer w, sh;
    telem_ring_image im;
    uint32_t i;
    forget();
    d.memory = large, d.memory_size = sizeof large, d.lanes = 1, d.lane_bytes = 1u << 20,
    d.shared_bytes = 1u << 19;
    d.policy = TELEM_RING_OVERWRITE, d.max_record = 100000;
    REQUIRE_OK(telem_ring_init(&ring, &d));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
    REQUIRE_OK(telem_ring_writer_init(&sh, ring, TELEM_RING_SHARED));
    for (i = 0; i < 60u; i++) {
        CHECK_OK(
            push(&w, i % 3u ? i * 7u : 60000u + i * 600u)); /* below and above 16 bits, over several blocks */
        CHECK_OK(push(&sh, i % 3u ? i : 99000u));
    }
    REQUIRE_OK(attach(&im, large, sizeof large));
    CHECK_EQ_INT(im.account.committed, 120);
    CHECK(im.account.damaged + im.account.unknown == 0 && im.account.saved > 40);
    CHECK_EQ_INT(read_all(&im), im.account.saved);
}

TEST(batch_is_read_whole_or_not_at_all) {
    telem_ring_item items[8];
    telem_ring_writer w;
    uint32_t i, k, round;
    uint8_t bytes[8][32];
    REQUIRE(make(1, 1024, 0, TELEM_RING_OVERWRITE));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
    image_lanes = 1, image_gated = 0, opened = 0, image_least[0] = 0, image_rng = 1;
    for (round = 0; round < 40u; round++) {
        k = 1u + round % 8u;
        for (i = 0; i < k; i++) {
            uint32_t n = begun(0, 5, 8u + i, MAYBE);
            fill(bytes[i], n, 8u + i);
            items[i].stream = 5, items[i].len = 8u + i, items[i].time = time_of(n), items[i].data = bytes[i];
        }
        at_each_point = check_here;
        CHECK_OK(telem_ring_push_batch(&w, items, k, NULL));
        at_each_point = NULL;
        for (i = 0; i < k; i++) life[lived - 1u - i].state = COMMITTED;
        done += k;
    }
}

/* ---- notes ---- */

TEST(notes_are_found_in_a_dump) {
    telem_ring_image im;
    telem_ring_note_info note;
    telem_ring *r;
    uint32_t i;
    char text[64];
    REQUIRE(make(1, 512, 0, TELEM_RING_OVERWRITE)); /* 256 bytes for notes */
    CHECK_EQ_INT(telem_ring_note(NULL, 1, "a", 1), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_note(ring, 1, NULL, 1), TELEM_ERR_ARG);
    REQUIRE_OK(attach(&im, memory, sizeof memory));
    CHECK_EQ_INT(telem_ring_image_note(&im, 0, &note), TELEM_END);
    CHECK_EQ_INT(telem_ring_image_note(&im, 0, NULL), TELEM_ERR_ARG);
    CHECK_OK(telem_ring_note(ring, 7, "schema of seven", 15));
    CHECK_OK(telem_ring_note(ring, 8, NULL, 0));
    memset(text, 'x', sizeof text);
    for (i = 0; i < 2u; i++) CHECK_OK(telem_ring_note(ring, 100u + i, text, 64)); /* 32 + 16 + 2 * 80 = 208 */
    CHECK_EQ_INT(telem_ring_note(ring, 9, text, 33), TELEM_ERR_SPACE);
    CHECK_EQ_INT(telem_ring_note(ring, 9, text, UINT32_MAX), TELEM_ERR_SPACE);
    CHECK_OK(telem_ring_note(ring, 9, text, 32));
    CHECK_EQ_INT(telem_ring_note(ring, 10, NULL, 0), TELEM_ERR_SPACE);
    memcpy((char *)second + 3, memory, ring->fixed.bytes);
    REQUIRE_OK(attach(&im, (char *)second + 3, ring->fixed.bytes));
    REQUIRE_OK(telem_ring_image_note(&im, 0, &note));
    CHECK(note.id == 7 && note.len == 15 && memcmp(note.data, "schema of seven", 15) == 0);
    REQUIRE_OK(telem_ring_image_note(&im, 1, &note));
    CHECK(note.id == 8 && note.len == 0);
    REQUIRE_OK(telem_ring_image_note(&im, 4, &note));
    CHECK(note.id == 9 && note.len == 32 && memcmp(note.data, text, 32) == 0);
    CHECK_EQ_INT(telem_ring_image_note(&im, 5, &note), TELEM_END);
    for (i = 0; i < 256u * 8u; i++) { /* no flipped bit gives another note */
        uint32_t k = 0;
        telem_result res;
        ((uint8_t *)second)[3u + ring->fixed.notes_at + i / 8u] ^= (uint8_t)(1u << i % 8u);
        while ((res = telem_ring_image_note(&im, k, &note)) == TELEM_OK) {
            static const uint32_t ids[] = {7, 8, 100, 101, 9};
            CHECK(k < 5u && note.id == ids[k]);
            if (k++ > 5u) break;
        }
        CHECK(res == TELEM_END || res == TELEM_ERR_CORRUPT);
        ((uint8_t *)second)[3u + ring->fixed.notes_at + i / 8u] ^= (uint8_t)(1u << i % 8u);
    }
    for (i = ring->fixed.notes_at - 8u; i < ring->fixed.bytes; i++) { /* cut */
        uint32_t k = 0;
        REQUIRE_OK(attach(&im, (char *)second + 3, i));
        while (telem_ring_image_note(&im, k, &note) == TELEM_OK) k++;
        CHECK(k < 5u);
    }
    CHECK_OK(telem_ring_resume(&r, memory, sizeof memory, NULL, NULL)); /* they stay */
    REQUIRE_OK(attach(&im, memory, sizeof memory));
    CHECK_OK(telem_ring_image_note(&im, 4, &note));
    CHECK_EQ_INT(telem_ring_note(r, 10, NULL, 0), TELEM_ERR_SPACE);
}

static uint32_t notes_seen;
static void check_note(void) {
    telem_ring_image im;
    telem_ring_note_info note;
    CHECK_OK(attach(&im, memory, sizeof memory));
    if (telem_ring_image_note(&im, 0, &note) == TELEM_OK) {
        CHECK(note.id == 5 && note.len == 3 && memcmp(note.data, "abc", 3) == 0);
        notes_seen++;
    } else CHECK_EQ_INT(telem_ring_image_note(&im, 0, &note), TELEM_END);
}
TEST(half_a_note_is_none) {
    REQUIRE(make(1, 512, 0, TELEM_RING_OVERWRITE));
    notes_seen = 0;
    at_each_point = check_note;
    CHECK_OK(telem_ring_note(ring, 5, "abc", 3));
    CHECK_EQ_INT(notes_seen, 0);
    check_note();
    at_each_point = NULL;
    CHECK_EQ_INT(notes_seen, 1);
}

/* ---- resume ---- */

static uint64_t ticks;
static uint64_t read_ticks(void *user) {
    (void)user;
    return ticks++;
}
static telem_clock clock_of(uint64_t hz, uint8_t bits) {
    telem_clock c = TELEM_ZERO;
    c.read = read_ticks, c.hz_num = hz, c.bits = bits, c.domain = TELEM_DOMAIN_TAI;
    return c;
}

TEST(resume_refuses_what_it_cannot_take) {
    telem_ring_desc d = TELEM_ZERO;
    telem_clock c = clock_of(1000, 16), other = clock_of(1001, 16), wider = clock_of(1000, 17);
    telem_ring *r = NULL;
    telem_ring_image im;
    uint32_t i;
    d.memory = memory, d.memory_size = sizeof memory, d.lanes = 1, d.lane_bytes = 512, d.clock = &c;
    REQUIRE_OK(telem_ring_init(&ring, &d));
    memcpy(second, memory, ring->fixed.bytes);
    CHECK_EQ_INT(telem_ring_resume(NULL, memory, sizeof memory, &c, NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_resume(&r, NULL, sizeof memory, &c, NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_resume(&r, (char *)memory + 4, sizeof memory - 4, &c, NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_resume(&r, memory, 100, &c, NULL), TELEM_ERR_TRUNCATED);
    CHECK_EQ_INT(telem_ring_resume(&r, memory, ring->fixed.bytes - 1u, &c, NULL), TELEM_ERR_MEMORY);
    CHECK_EQ_INT(telem_ring_resume(&r, memory, sizeof memory, NULL, NULL), TELEM_ERR_MISMATCH);
    CHECK_EQ_INT(telem_ring_resume(&r, memory, sizeof memory, &other, NULL), TELEM_ERR_MISMATCH);
    CHECK_EQ_INT(telem_ring_resume(&r, memory, sizeof memory, &wider, NULL), TELEM_ERR_MISMATCH);
    c.domain = TELEM_DOMAIN_UTC;
    CHECK_EQ_INT(telem_ring_resume(&r, memory, sizeof memory, &c, NULL), TELEM_ERR_MISMATCH);
    c.domain = TELEM_DOMAIN_TAI;
    CHECK(r == NULL && memcmp(second, memory, ring->fixed.bytes) == 0); /* untouched */
    REQUIRE_OK(attach(&im, memory, sizeof memory));
    CHECK(im.clock.bits == 16 && im.clock.hz_num == 1000 && im.clock.hz_den == 1 &&
          im.clock.domain == TELEM_DOMAIN_TAI && !im.clock.read);
    CHECK_OK(telem_ring_resume(&r, memory, sizeof memory, &c, NULL));
    CHECK(r == ring);
    memory[0] = 0;
    CHECK_EQ_INT(telem_ring_resume(&r, memory, sizeof memory, &c, NULL), TELEM_ERR_NOT_FOUND);
    for (i = 0; i < 32u; i++) { /* another byte order */
        uint32_t word;
        memcpy(&word, (char *)second + i * 4u, 4);
        word = word >> 24 | (word >> 8 & 0xFF00u) | (word << 8 & 0xFF0000u) | word << 24;
        memcpy((char *)memory + i * 4u, &word, 4);
    }
    CHECK_EQ_INT(attach(&im, memory, sizeof memory), TELEM_OK);
    CHECK_EQ_INT(telem_ring_resume(&r, memory, sizeof memory, &c, NULL), TELEM_ERR_UNSUPPORTED);
}

TEST(narrow_clock_goes_on_after_resume) {
    telem_ring_desc d = TELEM_ZERO;
    telem_clock c = clock_of(1000, 8);
    telem_ring *r;
    telem_ring_writer w;
    telem_ring_reader rd;
    telem_ring_reader_desc q = TELEM_ZERO;
    telem_ring_record rec;
    int64_t last = -1;
    uint32_t i, n = 0;
    d.memory = memory, d.memory_size = sizeof memory, d.lanes = 1, d.lane_bytes = 8192, d.clock = &c;
    ticks = 0;
    REQUIRE_OK(telem_ring_init(&ring, &d));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
    for (i = 0; i < 300u; i++) CHECK_OK(telem_ring_push(&w, 1, TELEM_RING_NOW, "x", 1));
    ticks = 3; /* the counter was reset with the machine: it looks like a wrap */
    REQUIRE_OK(telem_ring_resume(&r, memory, sizeof memory, &c, NULL));
    REQUIRE_OK(telem_ring_writer_init(&w, r, 0)); /* nobody owns it any more */
    for (i = 0; i < 100u; i++) CHECK_OK(telem_ring_push(&w, 1, TELEM_RING_NOW, "x", 1));
    q.copy = buf, q.copy_size = 64;
    REQUIRE_OK(telem_ring_reader_init(&rd, r, &q));
    while (telem_ring_peek(&rd, &rec) == TELEM_OK) {
        CHECK(rec.time > last);
        last = rec.time;
        n++;
        CHECK_OK(telem_ring_release(&rd));
    }
    CHECK_EQ_INT(n, 400);
}

/* Whatever the damage: what resume takes over is a ring that works and closes its account. */
TEST(resume_of_a_damaged_ring_works) {
    uint64_t rng = check_seed();
    uint32_t round, i, rounds = check_quick() ? 800u : 30000u;
    static uint64_t busy[2][MEMORY / 8];
    for (i = 0; i < 2u; i++) {
        REQUIRE(busy_ring(i));
        memcpy(busy[i], memory, sizeof memory);
    }
    for (round = 0; round < rounds; round++) {
        telem_ring *r = NULL;
        telem_ring_account a;
        telem_ring_image im;
        telem_ring_reader rd;
        telem_ring_reader_desc q = TELEM_ZERO;
        telem_ring_record rec;
        telem_ring_writer w[2];
        telem_ring_reader_counts n;
        telem_result res = TELEM_OK;
        memcpy(memory, busy[round % 2u], sizeof memory);
        for (i = 0; i < 1u + round % 4u; i++) {
            uint32_t at = 128u + (uint32_t)(check_rand(&rng) % (ring->fixed.bytes - 128u - 256u));
            if (check_rand(&rng) % 2u) ((uint8_t *)memory)[at] ^= (uint8_t)(1u << check_rand(&rng) % 8u);
            else memset((uint8_t *)memory + at, (int)(check_rand(&rng) % 256u), 1u + check_rand(&rng) % 8u);
        }
        REQUIRE_OK(telem_ring_resume(&r, memory, sizeof memory, NULL, &a));
        REQUIRE_OK(attach(&im, memory, sizeof memory));
        CHECK(im.account.damaged + im.account.outside + im.account.lanes_lost + im.account.open == 0);
        CHECK(im.account.saved <= a.saved);
        q.copy = buf, q.copy_size = 256;
        REQUIRE_OK(telem_ring_reader_init(&rd, r, &q));
        while ((res = telem_ring_peek(&rd, &rec)) == TELEM_OK) CHECK_OK(telem_ring_release(&rd));
        CHECK_EQ_INT(res, TELEM_EMPTY);
        CHECK_EQ_INT(rd.delivered, im.account.saved);
        REQUIRE_OK(telem_ring_writer_init(&w[0], r, 0));
        REQUIRE_OK(telem_ring_writer_init(&w[1], r, TELEM_RING_SHARED));
        for (i = 0; i < 200u; i++) CHECK_OK(telem_ring_push(&w[i % 2u], 1, INT64_MAX, "abcdefgh", i % 9u));
        while ((res = telem_ring_peek(&rd, &rec)) == TELEM_OK) {
            CHECK(rec.stream == 1 && rec.time == INT64_MAX && memcmp(rec.data, "abcdefgh", rec.len) == 0);
            CHECK_OK(telem_ring_release(&rd));
        }
        CHECK_EQ_INT(res, TELEM_EMPTY);
        CHECK_OK(telem_ring_reader_stats(&rd, &n));
        CHECK_EQ_INT(n.delivered + n.lost, im.account.saved + 200u);
        if (check_g.bad) {
            printf("round %u\n", (unsigned)round);
            return;
        }
    }
}

/* ---- dumps of other machines ---- */

/* A ring that is the same on all machines: its dump is tests/golden/ring-ORDER-CURSOR.bin. */
static int golden_ring(void) {
    telem_ring_desc d = TELEM_ZERO;
    telem_clock c = clock_of(32768, 32);
    telem_ring_writer w, sh;
    telem_ring_span span;
    uint32_t i;
    forget();
    memset(memory, 0, sizeof memory);
    d.memory = memory, d.memory_size = sizeof memory, d.lanes = 1, d.lane_bytes = 512, d.shared_bytes = 512;
    d.policy = TELEM_RING_OVERWRITE, d.notes_bytes = 64, d.clock = &c, d.stall = 0xCCE; /* 100 ms */
    if (telem_ring_init(&ring, &d) != TELEM_OK) return 0;
    if (telem_ring_writer_init(&w, ring, 0) != TELEM_OK ||
        telem_ring_writer_init(&sh, ring, TELEM_RING_SHARED) != TELEM_OK)
        return 0;
    (void)telem_ring_note(ring, 7, "golden", 6);
    for (i = 0; i < 300u; i++) {
        (void)push(i % 3u ? &w : &sh, i * 7u % 61u);
        if (i == 290u) (void)telem_ring_begin(&sh, 7, time_of(begun(1, 7, 24, OPEN)), 24, &span);
    }
    return 1;
}

/* What is local to the process that wrote it is not part of the layout. */
static void forget_process(uint8_t *bytes) {
    memset(bytes + sizeof(telem_i_ring_fixed), 0, 256u - sizeof(telem_i_ring_fixed));
}

TEST(dumps_of_other_machines_are_read) {
    static const struct {
        const char *name;
        uint32_t bits;
    } files[] = {{"le-64", 64}, {"le-32", 32}, {"be-64", 64}, {"be-32", 32}};
    static uint8_t dump[8192];
    uint32_t i, found = 0;
    for (i = 0; i < 4u; i++) {
        telem_ring_image im;
        telem_ring_note_info note;
        char path[64];
        uint32_t read;
        size_t n;
        FILE *f;
        snprintf(path, sizeof path, "tests/golden/ring-%s.bin", files[i].name);
        f = fopen(path, "rb");
        REQUIRE(f != NULL);
        n = fread(dump, 1, sizeof dump, f);
        fclose(f);
        REQUIRE(golden_ring());
        if (files[i].bits == 64u && !TEST_WIDE) {
            CHECK_EQ_INT(attach(&im, dump, n), TELEM_ERR_UNSUPPORTED);
            continue;
        }
        REQUIRE_OK(attach(&im, dump, n));
        CHECK(im.account.committed == 300 && im.account.open == 1 &&
              im.account.damaged + im.account.unknown + im.account.outside == 0);
        CHECK(im.clock.hz_num == 32768 && im.clock.hz_den == 1 && im.clock.bits == 32 &&
              im.clock.domain == TELEM_DOMAIN_TAI);
        REQUIRE_OK(telem_ring_image_note(&im, 0, &note));
        CHECK(note.id == 7 && note.len == 6 && memcmp(note.data, "golden", 6) == 0);
        read = read_all(&im);
        CHECK(read == im.account.saved && read >= 15u);
        nothing_is_missing(2, image_least, 0);
        forget_process((uint8_t *)memory);
        found += n == ring->fixed.bytes && memcmp(dump, memory, n) == 0;
    }
    CHECK_EQ_INT(found, 1); /* one of them is this machine's own, to the last bit */
}

/* ---- triggers ---- */

static telem_result take(telem_ring_trigger *t, int64_t *time) {
    telem_ring_record rec;
    telem_result res = telem_ring_trigger_read(t, &rec, buf, sizeof buf);
    if (res == TELEM_OK) {
        uint32_t n = (uint32_t)((rec.time - time_first) / time_step);
        CHECK(n < lived && whole(rec.data, n, rec.len));
        *time = rec.time;
    }
    return res;
}
static void pushes(telem_ring_writer *w, uint32_t writers, uint32_t n, uint32_t *refused) {
    uint32_t i;
    for (i = 0; i < n; i++) *refused += push(&w[i % writers], 12) == TELEM_FULL;
}

TEST(trigger_keeps_n_before_and_m_after) {
    uint32_t before, after;
    for (before = 0; before < 40u; before += 13u)
        for (after = 0; after < 30u; after += 10u) {
            telem_ring_trigger t;
            telem_ring_trigger_desc d = TELEM_ZERO;
            telem_ring_writer w[3];
            telem_ring_counts counts;
            telem_result res;
            uint32_t refused = 0, n = 0, fired, early;
            int64_t time = 0, first = 0, last = 0;
            d.before = before, d.after = after;
            REQUIRE(make(2, 2048, 2048, TELEM_RING_REFUSE));
            CHECK_OK(telem_ring_writer_init(&w[0], ring, 0));
            CHECK_OK(telem_ring_writer_init(&w[1], ring, 1));
            CHECK_OK(telem_ring_writer_init(&w[2], ring, TELEM_RING_SHARED));
            REQUIRE_OK(telem_ring_trigger_init(&t, ring, &d));
            pushes(w, 3, 999, &refused);
            CHECK_EQ_INT(refused, 0); /* armed: it overwrites */
            CHECK_EQ_INT(take(&t, &time), TELEM_EMPTY);
            fired = lived;
            REQUIRE_OK(telem_ring_trigger_fire(&t, time_of(fired)));
            CHECK_EQ_INT(telem_ring_trigger_fire(&t, 0), TELEM_ERR_EXISTS);
            pushes(w, 3, 9, &refused);
            if (before) CHECK_EQ_INT(refused, 0); /* room was made at once */
            early = refused;
            while ((res = take(&t, &time)) == TELEM_OK) {
                if (n++ == 0) first = time;
                CHECK(n == 1u || time > last);
                last = time;
            }
            CHECK_EQ_INT(res, TELEM_EMPTY); /* more is to come */
            if (before) CHECK_EQ_INT(last, time_of(lived - 1u));
            if (before) CHECK_EQ_INT(first, time_of(fired - before));
            CHECK(before ? n == before + 9u || n == before + after : n > 90u);
            pushes(w, 3, 60, &refused);
            CHECK_EQ_INT(refused, early); /* what was read made room */
            while ((res = take(&t, &last)) == TELEM_OK) n++;
            CHECK_EQ_INT(res, after ? TELEM_END : TELEM_EMPTY);
            if (before && after) CHECK_EQ_INT(n, before + after);
            if (before && after) CHECK_EQ_INT(last, time_of(fired + after - 1u));
            pushes(w, 3, 1200, &refused); /* held: full */
            CHECK(refused > 300u);
            CHECK_OK(telem_ring_stats(ring, &counts));
            CHECK_EQ_INT(counts.refused, refused);
            telem_ring_trigger_arm(&t);
            refused = 0;
            pushes(w, 3, 600, &refused);
            CHECK_EQ_INT(refused, 0);
            CHECK_OK(telem_ring_trigger_fire(&t, 0));
            CHECK_OK(take(&t, &time));
            telem_ring_trigger_arm(&t);
            if (check_g.bad) return;
        }
}

TEST(trigger_holds_while_nobody_reads) {
    uint32_t before;
    for (before = 1; before < 50u; before += 4u) {
        telem_ring_trigger t;
        telem_ring_trigger_desc d = TELEM_ZERO;
        telem_ring_writer w[3];
        uint32_t refused = 0, n = 0, fired;
        int64_t time = 0;
        d.before = before, d.after = 30;
        REQUIRE(make(2, 2048, 2048, TELEM_RING_REFUSE));
        CHECK_OK(telem_ring_writer_init(&w[0], ring, 0));
        CHECK_OK(telem_ring_writer_init(&w[1], ring, 1));
        CHECK_OK(telem_ring_writer_init(&w[2], ring, TELEM_RING_SHARED));
        REQUIRE_OK(telem_ring_trigger_init(&t, ring, &d));
        pushes(w, 3, 999, &refused);
        fired = lived;
        REQUIRE_OK(telem_ring_trigger_fire(&t, 0));
        pushes(w, 3, 2000, &refused);
        CHECK(refused > 1000u && life[fired + 29u].state == COMMITTED);
        while (take(&t, &time) == TELEM_OK) {
            CHECK_EQ_INT(time, time_of(fired - before + n));
            n++;
        }
        CHECK_EQ_INT(n, before + 30u);
        telem_ring_trigger_arm(&t);
    }
}

static int is_stream_200(void *user, uint32_t stream, int64_t time, const void *rec, uint32_t len) {
    (void)user, (void)time, (void)rec, (void)len;
    return stream == 200u;
}

TEST(trigger_fires_on_a_record) {
    telem_ring_trigger t;
    telem_ring_trigger_desc d = TELEM_ZERO;
    telem_ring_reader watch;
    telem_ring_reader_desc q = TELEM_ZERO;
    telem_ring_record rec;
    telem_ring_writer w;
    uint32_t refused = 0, n = 0, late;
    int64_t time = 0, first = 0;
    uint64_t copy[16];
    d.before = 5, d.after = 3;
    for (late = 0; late < 2u; late++) {
        REQUIRE(make(1, 1024, 0, TELEM_RING_REFUSE));
        REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
        REQUIRE_OK(telem_ring_trigger_init(&t, ring, &d));
        q.filter = is_stream_200, q.copy = copy, q.copy_size = sizeof copy;
        REQUIRE_OK(telem_ring_reader_init(&watch, ring, &q));
        pushes(&w, 1, 77, &refused);
        CHECK_EQ_INT(telem_ring_trigger_watch(&t, &watch, &rec), TELEM_EMPTY);
        n = begun(0, 200, 12, COMMITTED);
        fill(buf, n, 12);
        CHECK_OK(telem_ring_push(&w, 200, time_of(n), buf, 12));
        pushes(&w, 1, late ? 200 : 20, &refused); /* the watch is late; too late: the record is gone */
        if (late) {
            CHECK_EQ_INT(telem_ring_trigger_watch(&t, &watch, &rec), TELEM_EMPTY);
            continue;
        }
        REQUIRE_OK(telem_ring_trigger_watch(&t, &watch, &rec));
        CHECK(rec.stream == 200 && rec.time == time_of(n) && rec.data == NULL);
        CHECK_EQ_INT(telem_ring_trigger_watch(&t, &watch, &rec), TELEM_EMPTY);
        CHECK_OK(take(&t, &first));
        CHECK_EQ_INT(first, time_of(n - 5u));
        for (n = 1; take(&t, &time) == TELEM_OK; n++) {}
        CHECK_EQ_INT(n, 8);
        CHECK_EQ_INT(take(&t, &time), TELEM_END);
        telem_ring_trigger_arm(&t);
    }
}

TEST(trigger_counts_ticks) {
    telem_ring_trigger t;
    telem_ring_trigger_desc d = TELEM_ZERO;
    telem_ring_writer w;
    uint32_t refused = 0, n;
    int64_t time = 0, first = 0;
    telem_result res;
    REQUIRE(make(1, 4096, 0, TELEM_RING_REFUSE));
    REQUIRE_OK(telem_ring_writer_init(&w, ring, 0));
    d.before_ticks = 10u * (uint64_t)time_step, d.after_ticks = 4u * (uint64_t)time_step;
    REQUIRE_OK(telem_ring_trigger_init(&t, ring, &d));
    pushes(&w, 1, 50, &refused);
    REQUIRE_OK(telem_ring_trigger_fire(&t, time_of(49)));
    pushes(&w, 1, 50, &refused);
    CHECK_OK(take(&t, &first));
    CHECK_EQ_INT(first, time_of(39));
    for (n = 1; (res = take(&t, &time)) == TELEM_OK; n++) {}
    CHECK_EQ_INT(res, TELEM_END);
    CHECK_EQ_INT(n, 15);
    CHECK_EQ_INT(time, time_of(53));
}

TEST(trigger_refuses_bad_calls) {
    telem_ring_trigger t, many[5];
    telem_ring_trigger_desc d = TELEM_ZERO;
    telem_ring_reader watch;
    telem_ring_record rec;
    uint32_t i;
    int64_t time;
    telem_ring_writer w;
    REQUIRE(make(1, 1024, 0, TELEM_RING_OVERWRITE));
    CHECK_EQ_INT(telem_ring_trigger_init(&t, ring, NULL), TELEM_ERR_ARG);
    REQUIRE(make(1, 1024, 0, TELEM_RING_REFUSE));
    CHECK_EQ_INT(telem_ring_trigger_init(NULL, ring, NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_trigger_init(&t, NULL, NULL), TELEM_ERR_ARG);
    d.cursors = (char *)memory + 4;
    CHECK_EQ_INT(telem_ring_trigger_init(&t, ring, &d), TELEM_ERR_ARG);
    for (i = 0; i < 5u; i++) {
        REQUIRE_OK(telem_ring_trigger_init(&many[i], ring, NULL));
        CHECK_EQ_INT(telem_ring_trigger_fire(&many[i], 0), i < 4u ? TELEM_OK : TELEM_FULL); /* desc.readers */
    }
    telem_ring_trigger_arm(&many[0]);
    CHECK_OK(telem_ring_trigger_fire(&many[4], 0)); /* FULL left it armed */
    CHECK_EQ_INT(telem_ring_trigger_fire(NULL, 0), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_trigger_read(NULL, &rec, buf, 8), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_ring_trigger_watch(&many[1], NULL, &rec), TELEM_ERR_ARG);
    memset(&watch, 0, sizeof watch);
    CHECK_EQ_INT(telem_ring_trigger_watch(&many[1], &watch, &rec), TELEM_ERR_ARG);
    telem_ring_trigger_arm(NULL);
    CHECK_OK(telem_ring_writer_init(&w, ring, 0));
    CHECK_OK(push(&w, 20));
    CHECK_EQ_INT(telem_ring_trigger_read(&many[1], &rec, buf, 19), TELEM_ERR_MEMORY);
    CHECK_EQ_INT(rec.len, 20);
    CHECK_OK(take(&many[1], &time));
}

/* An interrupt at any instruction of a push fires: nothing that was there before gets lost. */
static telem_ring_trigger isr_trigger;
static uint32_t isr_at, isr_count, isr_lived;
static void isr_fires(void) {
    if (isr_count++ != isr_at) return;
    isr_lived = lived;
    if (telem_ring_trigger_fire(&isr_trigger, 0) == TELEM_AGAIN) isr_lived = 0;
}
TEST(trigger_fired_inside_a_push_keeps_what_is_there) {
    uint32_t lane, held;
    for (lane = 0; lane < 2u; lane++)
        for (isr_at = 0; isr_at < 60u; isr_at++) {
            telem_ring_writer w;
            uint32_t refused = 0, i, n;
            int64_t time = 0, last = 0;
            telem_ring_counts counts;
            REQUIRE(make(1, 512, 512, TELEM_RING_REFUSE));
            CHECK_OK(telem_ring_writer_init(&w, ring, lane ? TELEM_RING_SHARED : 0));
            REQUIRE_OK(telem_ring_trigger_init(&isr_trigger, ring, NULL));
            pushes(&w, 1, 150 + isr_at % 7u, &refused);
            isr_count = isr_lived = 0;
            at_each_point = isr_fires;
            pushes(&w, 1, 4, &refused);
            at_each_point = NULL;
            if (!isr_lived) continue;
            pushes(&w, 1, 100, &refused);
            CHECK(refused > 0);
            for (n = 0, i = 0; take(&isr_trigger, &time) == TELEM_OK; n++) {
                uint32_t k = (uint32_t)((time - time_first) / time_step);
                if (n == 0) i = k;
                CHECK(n == 0 || time > last);
                CHECK(life[k].state == COMMITTED);
                last = time;
            }
            held = 0;
            for (; i < lived; i++) held += life[i].state == COMMITTED;
            CHECK_EQ_INT(n, held); /* from the first on, all */
            CHECK(n >= 12u);
            CHECK_OK(telem_ring_stats(ring, &counts));
            CHECK_EQ_INT(counts.refused, refused);
            telem_ring_trigger_arm(&isr_trigger);
        }
}

int main(void) {
    const char *golden = getenv("GOLDEN_RING");
    if (golden) {
        FILE *f = golden_ring() ? fopen(golden, "wb") : NULL;
        if (!f) return 1;
        forget_process((uint8_t *)memory);
        (void)fwrite(memory, 1, ring->fixed.bytes, f);
        return fclose(f) != 0;
    }
    RUN(killed_at_any_instruction_all_that_was_committed_is_read);
    RUN(memory_without_a_ring_is_told_apart);
    RUN(many_lanes_need_cursors);
    RUN(record_larger_than_the_buffer_stays);
    RUN(account_names_each_cause);
    RUN(every_flipped_bit_is_harmless);
    RUN(every_cut_is_harmless);
    RUN(large_records_and_lanes_are_read);
    RUN(batch_is_read_whole_or_not_at_all);
    RUN(notes_are_found_in_a_dump);
    RUN(half_a_note_is_none);
    RUN(resume_refuses_what_it_cannot_take);
    RUN(narrow_clock_goes_on_after_resume);
    RUN(resume_of_a_damaged_ring_works);
    RUN(dumps_of_other_machines_are_read);
    RUN(trigger_keeps_n_before_and_m_after);
    RUN(trigger_holds_while_nobody_reads);
    RUN(trigger_fires_on_a_record);
    RUN(trigger_counts_ticks);
    RUN(trigger_refuses_bad_calls);
    RUN(trigger_fired_inside_a_push_keeps_what_is_there);
    return CHECK_MAIN_END();
}
