/* test_ring_forced.c - interleavings of two calls and a third, forced: the atomics of this file hand
   over to another actor at the access that the test says. Each test below runs A up to its i-th
   access, B up to its j-th, C to the end, and lets A and B finish in both orders, for all i and j,
   under both policies. The manual of telem_ring.h draws them (INTERLEAVINGS); ring_mutants.sh has a
   seeded bug for each. test_ring_forced_narrow.c: the same with 32-bit cursors.  UNIT: posix, UNIT: optimised */
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

/* ---- actors: one runs at a time, and stops before the access that uses up its leave ---- */

#ifndef TEST_WIDE
#define TEST_WIDE 1
#endif

typedef struct actor {
    ucontext_t context;
    void (*body)(int);
    int number, started, done;
    unsigned left; /* accesses until it is stopped */
    uint64_t stack[65536 / 8];
} actor;

static actor actors[3];
static actor *acting; /* NULL: the test itself */
static ucontext_t director;

static void actor_main(void) {
    acting->body(acting->number);
    acting->done = 1;
    swapcontext(&acting->context, &director);
}
static void cast(int i, void (*body)(int)) {
    actor *a = &actors[i];
    a->body = body;
    a->number = i, a->started = 0, a->done = body == NULL;
}
/* Runs actor i for so many accesses, or to its end: then the answer is 1. */
static int act(int i, unsigned accesses) {
    actor *a = &actors[i];
    if (a->done) return 1;
    a->left = accesses;
    if (accesses == 0) return 0;
    if (!a->started) {
        getcontext(&a->context);
        a->context.uc_stack.ss_sp = a->stack, a->context.uc_stack.ss_size = sizeof a->stack;
        a->context.uc_link = NULL;
        makecontext(&a->context, actor_main, 0);
        a->started = 1;
    }
    acting = a;
    swapcontext(&director, &a->context);
    acting = NULL;
    return a->done;
}
static void point(void) {
    actor *a = acting;
    if (!a) return;
    if (a->left-- == 0) {
        a->left = 0;
        swapcontext(&a->context, &director);
        a->left--;
    }
}
#define TO_THE_END 1000000u

static uint64_t ring_memory[8192 / 8];
static const char *ring_end = (const char *)ring_memory + sizeof ring_memory; /* of the ring in it */
static int strayed;
static void inside(const void *p) {
    strayed |= (const char *)p >= ring_end && (const char *)p < (const char *)ring_memory + sizeof ring_memory;
    point();
}

static uint64_t ring_start;
#define TELEM_I_RING_START ring_start
typedef uint32_t telem_atomic32;
static inline uint32_t t_load32(const uint32_t *p) { inside(p); return *(const volatile uint32_t *)p; }
static inline void t_store32(uint32_t *p, uint32_t v) { inside(p); *(volatile uint32_t *)p = v; }
static inline uint32_t t_add32(uint32_t *p, uint32_t v) {
    uint32_t was;
    point();
    was = *p;
    *p = was + v;
    return was;
}
static inline int t_cas32(uint32_t *p, uint32_t *e, uint32_t d) {
    uint32_t was;
    int same;
    point();
    was = *p, same = was == *e;
    if (same) *p = d;
    *e = was;
    return same;
}
#define TELEM_LOAD32_RELAXED(p) t_load32(p)
#define TELEM_LOAD32_ACQUIRE(p) t_load32(p)
#define TELEM_STORE32_RELAXED(p, v) t_store32(p, v)
#define TELEM_STORE32_RELEASE(p, v) t_store32(p, v)
#define TELEM_FETCH_ADD32(p, v) t_add32(p, v)
#define TELEM_CAS32(p, e, d) t_cas32(p, e, d)
#define TELEM_FENCE_ACQUIRE() ((void)0)
#define TELEM_FENCE_RELEASE() ((void)0)
#define TELEM_FENCE_SEQ_CST() ((void)0)
#if TEST_WIDE
#define TELEM_HAS_ATOMIC64 1
typedef uint64_t telem_atomic64;
static inline uint64_t t_load64(const uint64_t *p) { inside(p); return *(const volatile uint64_t *)p; }
static inline void t_store64(uint64_t *p, uint64_t v) { inside(p); *(volatile uint64_t *)p = v; }
static inline int t_cas64(uint64_t *p, uint64_t *e, uint64_t d) {
    uint64_t was;
    int same;
    point();
    was = *p, same = was == *e;
    if (same) *p = d;
    *e = was;
    return same;
}
#define TELEM_LOAD64_RELAXED(p) t_load64(p)
#define TELEM_LOAD64_ACQUIRE(p) t_load64(p)
#define TELEM_STORE64_RELAXED(p, v) t_store64(p, v)
#define TELEM_STORE64_RELEASE(p, v) t_store64(p, v)
#define TELEM_CAS64(p, e, d) t_cas64(p, e, d)
#endif

/* Rings of eight units and four numbers: a lap is four pushes. */
#define TELEM_RING_LANE_MIN 64u
#define TELEM_I_RING_BLOCK_MIN 16u
#define TELEM_I_RING_RECORDS_MIN 4u
#define TELEM_RING_PARKED_MAX 8
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include "check.h"

/* ---- the stage ---- */

enum { PRODUCERS = 4 };
static uint64_t copy_buf[2][64 / 8];
static telem_ring *ring;
static telem_ring_writer shared, lane;
static telem_ring_reader rd[2];
static telem_ring_span span;
static uint32_t ok, full, aborted, next[PRODUCERS], seen[2][PRODUCERS];
static int expelled[2], joined[2];
static uint32_t policy;

/* Stream, time, length and bytes of a producer's n-th record follow from both. */
static uint32_t compose(uint64_t *p, uint32_t id, uint32_t n) {
    p[0] = ((uint64_t)id << 32 | n) * 0x9E3779B97F4A7C15u;
    p[1] = ~p[0];
    return n % 3u == 0 ? 16u : 8u;
}
static int64_t time_of(uint32_t id, uint32_t n) { return (int64_t)n * 100 + (int64_t)id; }

static void answered(telem_result res) {
    CHECK(res == TELEM_OK || res == TELEM_FULL);
    if (res == TELEM_OK) ok++;
    else full++;
}
static void push(telem_ring_writer *w, uint32_t id) {
    uint64_t p[2];
    uint32_t n = ++next[id], len = compose(p, id, n);
    answered(telem_ring_push(w, id, time_of(id, n), p, len));
}
static void push_many(telem_ring_writer *w, uint32_t id, int times) {
    while (times-- > 0) push(w, id);
}
static void begin(uint32_t id) {
    uint64_t p[2];
    uint32_t n = ++next[id], len = compose(p, id, n);
    REQUIRE_OK(telem_ring_begin(&shared, id, time_of(id, n), len, &span));
    CHECK_OK(telem_ring_span_write(&shared, &span, 0, p, len));
}
static void drop(uint32_t id) { /* a record that is never one */
    telem_ring_span s;
    if (telem_ring_begin(&shared, id, 0, 8, &s) != TELEM_OK) full++;
    else if (CHECK_OK(telem_ring_abort(&shared, &s)), 1) aborted++;
}

static int proves_itself(const telem_ring_record *rec) {
    uint64_t want[2];
    uint32_t n = (uint32_t)(rec->time / 100);
    if (rec->stream >= PRODUCERS || rec->time != time_of(rec->stream, n)) return 0;
    return rec->len == compose(want, rec->stream, n) && memcmp(want, rec->data, rec->len) == 0;
}
static telem_result told(int i, telem_result res) {
    if (res == TELEM_EXPELLED) CHECK(!expelled[i]++);
    else CHECK(res == TELEM_OK || res == TELEM_EMPTY || res == TELEM_AGAIN);
    return res;
}
static void note(int i, const telem_ring_record *rec) {
    uint32_t n = (uint32_t)(rec->time / 100);
    CHECK(n > seen[i][rec->stream]); /* once, and in order */
    seen[i][rec->stream] = n;
}
static telem_result read_one(int i) {
    telem_ring_record rec;
    uint64_t buf[4];
    telem_result res = telem_ring_read(&rd[i], &rec, buf, sizeof buf);
    if (res != TELEM_OK) return told(i, res);
    CHECK(proves_itself(&rec));
    if (proves_itself(&rec)) note(i, &rec);
    return res;
}
static telem_result peek_one(int i) {
    telem_ring_record rec;
    int good;
    telem_result res = telem_ring_peek(&rd[i], &rec);
    if (res != TELEM_OK) return told(i, res);
    good = proves_itself(&rec);
    point(); /* the bytes are looked at for a while */
    good = good && proves_itself(&rec);
    res = telem_ring_release(&rd[i]);
    if (res == TELEM_OK) {
        CHECK(good);
        if (good) note(i, &rec);
    }
    return told(i, res);
}
static void drain(int i) {
    int quiet = 0;
    while (quiet < 3) { /* an open record is waited for */
        telem_result res = read_one(i);
        quiet = res == TELEM_EMPTY ? quiet + 1 : 0;
        if (check_g.bad) return;
    }
}
static telem_result join(int i, int gating, uint8_t start, uint64_t timeout) {
    telem_ring_reader_desc d = TELEM_ZERO;
    telem_result res;
    d.gating = (uint8_t)gating, d.start = start, d.timeout = timeout;
    d.copy = copy_buf[i], d.copy_size = sizeof copy_buf[i];
    memset(seen[i], 0, sizeof seen[i]);
    res = telem_ring_reader_init(&rd[i], ring, &d);
    joined[i] = res == TELEM_OK;
    return res;
}

/* A lane of each kind, when wanted, and a reader from the first record on. */
static void stage(int lanes, int shared_too, int reader, uint64_t timeout) {
    telem_ring_desc d = TELEM_ZERO;
    ok = full = aborted = 0;
    memset(next, 0, sizeof next);
    memset(expelled, 0, sizeof expelled);
    memset(joined, 0, sizeof joined);
    d.memory = ring_memory, d.memory_size = sizeof ring_memory;
    d.lanes = (uint32_t)lanes, d.lane_bytes = lanes ? 64 : 0;
    d.shared_bytes = shared_too ? 64 : 0, d.shared_records = shared_too ? 4 : 0;
    d.policy = policy, d.readers = 1, d.stall = 1;
    ring_end = (const char *)ring_memory + sizeof ring_memory;
    REQUIRE_OK(telem_ring_init(&ring, &d));
    ring_end = (const char *)ring_memory + ring->fixed.bytes;
    if (shared_too) REQUIRE_OK(telem_ring_writer_init(&shared, ring, TELEM_RING_SHARED));
    if (lanes && !shared_too) REQUIRE_OK(telem_ring_writer_init(&lane, ring, 0));
    if (reader) REQUIRE_OK(join(0, policy == TELEM_RING_REFUSE, TELEM_RING_OLDEST, timeout));
}
static void accounts(void) {
    telem_ring_counts c = TELEM_ZERO;
    telem_ring_reader_counts n = TELEM_ZERO;
    CHECK_OK(telem_ring_stats(ring, &c));
    CHECK_EQ_INT(c.committed, ok);
    CHECK_EQ_INT(c.refused + c.aborted, full + aborted);
    CHECK_EQ_INT(c.open, 0);
    if (!joined[0]) return;
    CHECK_OK(telem_ring_reader_stats(&rd[0], &n));
    CHECK_EQ_INT(n.delivered + n.filtered + n.lost + n.queued, ok);
    drain(0);
    CHECK_OK(telem_ring_reader_stats(&rd[0], &n));
    CHECK_EQ_INT(n.delivered + n.lost, ok);
    if (rd[0].slot) CHECK_EQ_INT(n.lost, 0);
}

/* ---- plays ---- */

typedef struct play {
    void (*setup)(int laps);
    void (*a)(int), (*b)(int), (*c)(int);
    void (*check)(void);
    int most_laps; /* setup with 0 .. most_laps */
} play;

/* 0: A ends before its i-th access, 1: only B before its j-th, 2: neither. */
static int one_take(const play *p, int laps, unsigned i, unsigned j, int b_first) {
    int what = 2;
    p->setup(laps);
    cast(0, p->a), cast(1, p->b), cast(2, p->c);
    if (act(0, i)) what = 0;
    if (act(1, j) && what) what = 1;
    CHECK(act(2, TO_THE_END)); /* the others stand still: nobody waits for anybody */
    (void)act(b_first, TO_THE_END);
    (void)act(!b_first, TO_THE_END);
    CHECK(actors[0].done && actors[1].done && actors[2].done);
    p->check();
    CHECK(!strayed);
    if (check_g.bad) printf("    policy %u laps %d, A stops at %u, B at %u, %s first\n", (unsigned)policy, laps, i, j, b_first ? "B" : "A");
    return what;
}
static void perform(const play *p, uint32_t first_policy, uint32_t last_policy) {
    unsigned i, j, takes = 0, step = check_quick() ? 11 : 1;
    int laps, b_first;
    for (policy = first_policy; policy <= last_policy; policy++)
        for (laps = 0; laps <= p->most_laps; laps++)
            for (i = 0; i < 3000; i++) {
                int what = 2;
                /* quick: every eleventh access of B, others for each of A and each lap */
                for (j = (i + 5u * (unsigned)laps) % step; what == 2 && j < 3000; j += step)
                    for (b_first = 0; b_first < 2; b_first++, takes++) {
                        what = one_take(p, laps, i, j, b_first);
                        if (check_g.bad) return;
                    }
                if (what == 0) break;
            }
    CHECK(takes > 100);
}

static void close_accounts(void) {
    int n;
    accounts();
    for (n = 0; n < 6; n++) push(&shared, 3);
    accounts();
    CHECK_EQ_INT(shared.shared->parked, 0); /* whoever left was forgotten */
}
static void close_lane(void) { accounts(); }

static void shared_lane(int laps) {
    stage(0, 1, 1, 0);
    push_many(&shared, 3, laps);
}
static void push_once(int i) { push(&shared, (uint32_t)i); }
static void push_lap(int i) { push_many(&shared, (uint32_t)i, 5); }
static void look(int i) {
    (void)i;
    (void)read_one(0);
    (void)peek_one(0);
}

/* Both find the same number free; a reader passes, or a whole lap goes by. */
TEST(two_producers_meet_at_one_number) {
    play with_reader = {shared_lane, push_once, push_once, look, close_accounts, 5};
    play with_lap = {shared_lane, push_once, push_once, push_lap, close_accounts, 5};
    perform(&with_reader, 0, 1);
    perform(&with_lap, 0, 1);
}

/* The ring is full, with numbers among them that carry no record: both retire the oldest. */
static void full_of_holes(int laps) {
    stage(0, 1, 1, 0);
    while (laps-- > 0) {
        push(&shared, 3);
        drop(3);
    }
}
static void push_and_drop(int i) {
    push(&shared, (uint32_t)i);
    drop((uint32_t)i);
}
static void lap_of_holes(int i) {
    int n;
    for (n = 0; n < 4; n++) push_and_drop(i);
}
TEST(two_producers_retire_one_number) {
    play p = {full_of_holes, push_once, push_and_drop, lap_of_holes, close_accounts, 4};
    play alone = {full_of_holes, push_once, push_and_drop, NULL, close_accounts, 4};
    perform(&p, TELEM_RING_OVERWRITE, TELEM_RING_OVERWRITE);
    perform(&alone, 0, 1);
}

/* A's record is open and in the way: B revokes it, or A is faster. */
static void open_and_full(int laps) {
    stage(0, 1, 1, 0);
    push_many(&shared, 3, laps % 4);
    drain(0);
    begin(0);
    push_many(&shared, 3, laps / 4 + 2);
}
static void commit(int i) {
    (void)i;
    answered(telem_ring_commit(&shared, &span));
}
static void commit_late(int i) { /* it wrote until now */
    uint64_t p[2];
    uint32_t len = compose(p, 0, 1);
    (void)i;
    CHECK_OK(telem_ring_span_write(&shared, &span, 0, p, len));
    answered(telem_ring_commit(&shared, &span));
}
static void give_up(int i) {
    (void)i;
    CHECK_OK(telem_ring_abort(&shared, &span));
    aborted++;
}
TEST(owner_commits_while_another_revokes) {
    play p = {open_and_full, commit, push_lap, NULL, close_accounts, 11};
    play with_reader = {open_and_full, commit, push_once, look, close_accounts, 11};
    play aborts = {open_and_full, give_up, push_lap, NULL, close_accounts, 11};
    perform(&p, 0, 1);
    perform(&with_reader, 0, 1);
    perform(&aborts, 0, 1);
}

/* The reader has lost patience, A commits, B pushes. */
static void look_long(int i) {
    (void)i;
    (void)read_one(0), (void)read_one(0), (void)read_one(0), (void)read_one(0);
}
TEST(owner_commits_while_the_reader_revokes) {
    play p = {open_and_full, commit, look_long, push_once, close_accounts, 11};
    perform(&p, 0, 1);
}

/* A was lapped once, twice, three times; it leaves while others step around its bytes. */
static void parked_for_laps(int laps) {
    stage(0, 1, 1, 0);
    push_many(&shared, 3, laps % 3);
    drain(0);
    begin(0);
    push_many(&shared, 3, 2);
    look_long(0);
    while (laps-- > 0) {
        push(&shared, 3);
        drain(0);
    }
}
TEST(owner_leaves_while_another_steps_around) {
    play p = {parked_for_laps, commit_late, push_lap, NULL, close_accounts, 14};
    play two = {parked_for_laps, commit_late, push_once, push_lap, close_accounts, 14};
    play aborts = {parked_for_laps, give_up, push_lap, look, close_accounts, 14};
    perform(&p, 0, 1);
    perform(&two, 0, 1);
    perform(&aborts, 0, 1);
}

/* A and B both find the parked record at the tail, and C another lap. */
static void leave_and_close(void) {
    commit_late(0);
    close_accounts();
}
TEST(two_producers_park_one_record) {
    play p = {open_and_full, push_once, push_once, push_lap, leave_and_close, 11};
    play owner = {open_and_full, push_once, push_once, commit_late, close_accounts, 11};
    perform(&p, 0, 1);
    perform(&owner, 0, 1);
}

/* Parked spans stay where they are. A record longer than all gaps between them is refused, and
   does not go round for ever; shorter ones go in. */
TEST(record_longer_than_all_gaps_is_refused) {
    telem_ring_span first;
    uint64_t p[2];
    uint32_t n = 0;
    policy = TELEM_RING_OVERWRITE;
    stage(0, 1, 1, 0);
    begin(0); /* units 0 and 1 of eight */
    first = span;
    push_many(&shared, 1, 1);
    begin(0); /* units 4 and 5 */
    for (n = 2; n < 20; n++) {
        uint32_t was = full, short_one = compose(p, 1, n + 1u) == 8u;
        next[1] = n;
        push(&shared, 1);
        if (n > 3) CHECK_EQ_INT(full - was, short_one ? 0 : 1); /* both are parked by now */
    }
    CHECK_EQ_INT(telem_ring_commit(&shared, &span), TELEM_FULL);
    full++;
    push_many(&shared, 1, 3); /* units 2 .. 7 are one gap again */
    CHECK_EQ_INT(telem_ring_commit(&shared, &first), TELEM_FULL);
    full++;
    close_accounts();
}

/* A producer is lapped in mid-copy by an interrupt that fills the ring; a reader sees all of it. */
TEST(interrupt_laps_writer_in_mid_copy) {
    play p = {shared_lane, push_once, look, push_lap, close_accounts, 5};
    play twice = {shared_lane, push_once, push_lap, push_lap, close_accounts, 5};
    perform(&p, 0, 1);
    perform(&twice, 0, 1);
}

/* Readers that do not gate are lapped in mid-copy; gating ones are not. */
static void one_lane(int laps) {
    stage(1, 0, 1, 0);
    push_many(&lane, 3, laps);
}
static void lane_push(int i) { push(&lane, (uint32_t)i); }
static void lane_lap(int i) { push_many(&lane, (uint32_t)i, 5); }
TEST(reader_is_lapped_in_mid_copy) {
    play l = {one_lane, look, lane_push, NULL, close_lane, 6};
    play fast = {one_lane, look, lane_lap, NULL, close_lane, 6};
    play more = {one_lane, look_long, lane_lap, NULL, close_lane, 6};
    play s = {shared_lane, look, push_once, push_lap, close_accounts, 5};
    perform(&l, 0, 1);
    perform(&fast, 0, 1);
    perform(&more, 0, 1);
    perform(&s, 0, 1);
}

/* Its buffer would take more than the lane holds, and it slept for some laps. */
TEST(sleeper_with_a_large_buffer_reads_inside_the_ring) {
    static uint64_t large[1024 / 8];
    telem_ring_reader_desc d = TELEM_ZERO;
    telem_ring_record rec;
    telem_result res;
    for (policy = 0; policy < 2u; policy++) {
        stage(1, 0, 0, 0);
        d.copy = large, d.copy_size = sizeof large;
        REQUIRE_OK(telem_ring_reader_init(&rd[0], ring, &d));
        push_many(&lane, 3, 30);
        while ((res = telem_ring_peek(&rd[0], &rec)) == TELEM_OK) {
            CHECK(proves_itself(&rec));
            CHECK_OK(telem_ring_release(&rd[0]));
        }
        CHECK_EQ_INT(res, TELEM_EMPTY);
        CHECK_EQ_INT(rd[0].delivered + rd[0].lost, ok);
        CHECK(!strayed);
    }
}

/* One that wants the only stream that there is, and is lapped in mid-look: what it has not seen is
   lost to it; nothing looks to it like another stream's. */
static void filtered_shared(int laps) {
    static const uint32_t mine[1] = {3};
    telem_ring_reader_desc d = TELEM_ZERO;
    stage(0, 1, 0, 0);
    d.streams = mine, d.stream_count = 1, d.copy = copy_buf[0], d.copy_size = sizeof copy_buf[0];
    memset(seen[0], 0, sizeof seen[0]);
    REQUIRE_OK(telem_ring_reader_init(&rd[0], ring, &d));
    joined[0] = 1;
    push_many(&shared, 3, laps);
}
static void lap_of_threes(int i) {
    (void)i;
    push_many(&shared, 3, 5);
}
static void nothing_filtered(void) {
    CHECK_EQ_INT(rd[0].filtered, 0);
    close_accounts();
}
TEST(filtered_reader_is_lapped_in_mid_look) {
    play p = {filtered_shared, look, lap_of_threes, NULL, nothing_filtered, 9};
    perform(&p, TELEM_RING_OVERWRITE, TELEM_RING_OVERWRITE);
}

/* Full, and a reader holds all of it. */
static void full_and_held(int laps) {
    stage(0, 1, 1, 0);
    push_many(&shared, 3, laps + 5);
    CHECK(full > 0);
}
TEST(two_producers_are_refused_at_once) {
    play p = {full_and_held, push_once, push_once, NULL, close_accounts, 3};
    perform(&p, TELEM_RING_REFUSE, TELEM_RING_REFUSE);
}

/* A reader joins and gates while a writer is on its way over it: one of them sees the other. */
static void no_reader_lane(int laps) {
    stage(1, 0, 0, 0);
    push_many(&lane, 3, laps);
}
static void no_reader_shared(int laps) {
    stage(0, 1, 0, 0);
    push_many(&shared, 3, laps);
}
static void join_oldest(int i) {
    telem_result res = join(1, 1, TELEM_RING_OLDEST, 0);
    (void)i;
    CHECK(res == TELEM_OK || res == TELEM_AGAIN);
}
static void join_now(int i) {
    telem_result res = join(1, 1, TELEM_RING_LATEST, 0);
    (void)i;
    CHECK(res == TELEM_OK || res == TELEM_AGAIN);
}
static void nothing_lost(void) {
    accounts();
    if (!joined[1]) return;
    drain(1);
    CHECK_EQ_INT(rd[1].lost, 0);
}
TEST(reader_joins_while_a_writer_takes_the_space) {
    play a = {no_reader_lane, join_oldest, lane_lap, NULL, nothing_lost, 6};
    play b = {no_reader_lane, join_now, lane_lap, NULL, nothing_lost, 6};
    play c = {no_reader_shared, join_oldest, push_lap, NULL, nothing_lost, 6};
    play d = {no_reader_shared, join_now, push_lap, NULL, nothing_lost, 6};
    play e = {no_reader_shared, join_oldest, push_once, push_lap, nothing_lost, 6};
    perform(&a, 0, 0), perform(&b, 0, 0), perform(&c, 0, 0), perform(&d, 0, 0), perform(&e, 0, 0);
}

/* A gating reader is thrown out in the middle of a look: no torn bytes, and it is told. */
static void late_reader_lane(int laps) {
    stage(1, 0, 1, 50);
    push_many(&lane, 3, laps);
}
static void late_reader_shared(int laps) {
    stage(0, 1, 1, 50);
    push_many(&shared, 3, laps);
}
static void told_at_last(void) {
    telem_ring_counts c = TELEM_ZERO;
    accounts();
    CHECK_OK(telem_ring_stats(ring, &c));
    CHECK_EQ_INT(c.expelled, expelled[0]);
}
TEST(reader_is_expelled_in_mid_look) {
    play l = {late_reader_lane, look, lane_lap, NULL, told_at_last, 6};
    play s = {late_reader_shared, look, push_lap, NULL, told_at_last, 6};
    play t = {late_reader_shared, look, push_once, push_lap, told_at_last, 6};
    perform(&l, 0, 0), perform(&s, 0, 0), perform(&t, 0, 0);
}

/* A reader that was found in the way, moved on, and is now found further on by two producers at
   once: its time begins anew. */
static void push_at(uint32_t id, int64_t time) {
    uint64_t p = 0;
    answered(telem_ring_push(&shared, id, time, &p, sizeof p));
}
static void found_and_gone_on(int laps) {
    telem_ring_record rec;
    uint64_t buf[4];
    stage(0, 1, 1, 1000);
    while (laps-- >= 0) {
        while (full == 0) push_at(3, 10000);
        while (telem_ring_read(&rd[0], &rec, buf, sizeof buf) == TELEM_OK) {}
        full = 0;
    }
    while (full == 0) push_at(3, 10000); /* found here at 10,000 */
    CHECK_OK(telem_ring_read(&rd[0], &rec, buf, sizeof buf));
    push_at(3, 10001); /* takes what has become free */
}
static void push_late(int i) { push_at((uint32_t)i, 12000); }
static void nobody_expelled(void) {
    telem_ring_counts c = TELEM_ZERO;
    CHECK_OK(telem_ring_stats(ring, &c));
    CHECK_EQ_INT(c.expelled, 0);
}
TEST(reader_is_not_expelled_before_its_time) {
    play p = {found_and_gone_on, push_late, push_late, NULL, nobody_expelled, 3};
    perform(&p, TELEM_RING_REFUSE, TELEM_RING_REFUSE);
}

/* One lane, one place among the gating readers: one of two gets it, and finds it as it was left. */
static void free_lane(int laps) {
    stage(1, 0, 1, 0);
    push_many(&lane, 3, laps);
    CHECK_OK(telem_ring_writer_deinit(&lane));
}
static void claim(int i) {
    telem_ring_writer w;
    telem_result res = telem_ring_writer_init(&w, ring, TELEM_RING_CLAIM);
    if (res == TELEM_FULL) return;
    CHECK_OK(res);
    push_many(&w, (uint32_t)i, 2);
    CHECK_OK(telem_ring_writer_deinit(&w));
}
TEST(two_claim_one_lane) {
    play p = {free_lane, claim, claim, look, close_lane, 5};
    perform(&p, 0, 1);
}
static void come_and_go(int i) {
    telem_ring_reader own;
    telem_ring_reader_desc d = TELEM_ZERO;
    telem_result res;
    d.gating = 1;
    res = telem_ring_reader_init(&own, ring, &d);
    (void)i;
    CHECK(res == TELEM_OK || res == TELEM_FULL || res == TELEM_AGAIN);
    if (res == TELEM_OK) {
        telem_ring_record rec;
        res = telem_ring_peek(&own, &rec);
        if (res == TELEM_OK) {
            CHECK(proves_itself(&rec));
            point();
            CHECK(proves_itself(&rec));
            CHECK_OK(telem_ring_release(&own));
        }
        CHECK_EQ_INT(own.lost, 0);
        telem_ring_reader_deinit(&own);
    }
}
TEST(two_take_one_place_of_a_gating_reader) {
    play p = {no_reader_lane, come_and_go, come_and_go, lane_lap, close_lane, 6};
    perform(&p, 0, 0);
}

/* A reader that was expelled and joins again at the oldest sees again what the ring still holds,
   also what it had in its life before: order and "once" are promises to one life. */
TEST(reader_that_rejoins_at_the_oldest_may_see_again) {
    uint32_t before, n;
    policy = TELEM_RING_REFUSE;
    stage(2, 1, 1, 50);
    REQUIRE_OK(telem_ring_writer_init(&lane, ring, 1));
    push_many(&shared, 3, 2);
    CHECK_EQ_INT(read_one(0), TELEM_OK);
    CHECK_EQ_INT(read_one(0), TELEM_OK);
    before = seen[0][3];
    push_many(&lane, 1, 8); /* the lane is full, and the reader is late there */
    CHECK(full > 0);
    for (n = 0; n < 4; n++) push(&lane, 1);
    CHECK_EQ_INT(read_one(0), TELEM_EXPELLED);
    telem_ring_reader_deinit(&rd[0]);
    REQUIRE_OK(join(0, 1, TELEM_RING_OLDEST, 0));
    drain(0);
    CHECK(seen[0][3] == before); /* seen before, held by the shared lane, and seen again */
    CHECK_EQ_INT(rd[0].lost, 0);
}

static void run_all(void) {
    RUN(two_producers_meet_at_one_number);
    RUN(two_producers_retire_one_number);
    RUN(owner_commits_while_another_revokes);
    RUN(owner_commits_while_the_reader_revokes);
    RUN(owner_leaves_while_another_steps_around);
    RUN(two_producers_park_one_record);
    RUN(record_longer_than_all_gaps_is_refused);
    RUN(interrupt_laps_writer_in_mid_copy);
    RUN(reader_is_lapped_in_mid_copy);
    RUN(sleeper_with_a_large_buffer_reads_inside_the_ring);
    RUN(filtered_reader_is_lapped_in_mid_look);
    RUN(two_producers_are_refused_at_once);
    RUN(reader_joins_while_a_writer_takes_the_space);
    RUN(reader_is_expelled_in_mid_look);
    RUN(reader_is_not_expelled_before_its_time);
    RUN(two_claim_one_lane);
    RUN(two_take_one_place_of_a_gating_reader);
    RUN(reader_that_rejoins_at_the_oldest_may_see_again);
}

int main(void) {
    run_all();
    ring_start = (uint64_t)0 - 4096; /* 32 KB before the cursors wrap, 4096 numbers before theirs */
    if (!check_quick()) run_all();
    return CHECK_MAIN_END();
}
