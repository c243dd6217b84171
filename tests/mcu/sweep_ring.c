/* sweep_ring.c - interrupts every call of the ring at every instruction, by a one-shot SysTick that
   fires k ticks after the call began, k = 1, 2, .. until the call ends first. With 2^6 ns to an
   instruction (SHIFT: 6) and ticks of at most 62.5 ns no instruction boundary is left out; the
   stacked program counters are counted to show it.
   Calls: push, begin + commit, batch (lane and shared), peek + release, read. Interrupters: push into
   a lane, push into the shared lane, both; and, into pushes, a reader. Rings: empty, full, about to wrap, with a
   parked producer; REFUSE and OVERWRITE.
   Checked after each: the records that came out are whole, in order and accounted for.
   BREAK=n builds one defect in, which the sweep has to find:
     1 the reader gives the record back before it reads it
     2 plain increment for fetch_add
     3 compare-and-swap as three plain steps
     4 the interrupter uses the lane of the interrupted
     5 a dropped release: a lane's record comes into sight before it is written
     6 the reader looks and does not release
   BOARDS: m0 m3 m4 m7 m33 stm32f4 */
#include "board.h"
#include "broken_atomics.h"
#include "semihost.h"
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"

#define WORDS 6u

enum { PUSH_LANE, PUSH_SHARED, BEGIN_LANE, BEGIN_SHARED, BATCH_LANE, BATCH_SHARED, TAKE, READ, CALLS };
enum { BY_LANE, BY_SHARED, BY_BOTH, BY_READER, INTERRUPTERS };

static uint64_t memory[4096 / 8], copy[2][64 / 8];
static telem_ring *ring;
static telem_ring_writer lane[2], shared;
static telem_ring_reader reader[2]; /* [0] main's, [1] the interrupter's, when it is one */
static struct {
    uint32_t offered, pushed, next[2], seen[2]; /* next, seen: by reader */
} source[4]; /* main's lane and shared, the interrupter's lane and shared */
static uint32_t bad, readers, interrupter, hits, last_pc, open_source;
static volatile uint32_t fired, now;
static const char *why;

static void fail(const char *what) {
    if (!bad++) why = what;
}

static uint32_t fill(uint32_t rec[WORDS], uint32_t s) {
    uint32_t i, n = source[s].offered++, words = 2u + n % (WORDS - 1u);
    rec[0] = s << 24 | words, rec[1] = n;
    for (i = 2; i < words; i++) rec[i] = (n * 2654435761u) ^ (s * 40503u) ^ i;
    return words * 4u;
}

static void put(telem_ring_writer *w, uint32_t s) {
    uint32_t rec[WORDS], len = fill(rec, s);
    telem_result res = telem_ring_push(w, 1u + s, (int64_t)++now, rec, len);
    if (res == TELEM_OK) source[s].pushed++;
    else if (res != TELEM_FULL) fail("push answers neither OK nor FULL");
}

static void put_in_place(telem_ring_writer *w, uint32_t s) {
    uint32_t rec[WORDS], len = fill(rec, s);
    telem_ring_span span;
    telem_result res = telem_ring_begin(w, 1u + s, (int64_t)++now, len, &span);
    if (res == TELEM_OK) {
        memcpy(span.part[0], rec, span.size[0]);
        if (span.size[1]) memcpy(span.part[1], (char *)rec + span.size[0], span.size[1]);
        res = telem_ring_commit(w, &span);
    }
    if (res == TELEM_OK) source[s].pushed++;
    else if (res != TELEM_FULL) fail("begin or commit answers neither OK nor FULL");
}

/* Three records with one reservation. */
static void put_batch(telem_ring_writer *w, uint32_t s) {
    uint32_t rec[3][WORDS], i, done = 9;
    telem_ring_item items[3];
    telem_result res;
    for (i = 0; i < 3; i++) {
        items[i].stream = 1u + s, items[i].time = (int64_t)++now;
        items[i].len = fill(rec[i], s), items[i].data = rec[i];
    }
    res = telem_ring_push_batch(w, items, 3, &done);
    if ((res != TELEM_OK && res != TELEM_FULL) || done > 3 || (res == TELEM_OK && done != 3)) fail("batch answers wrongly");
    source[s].pushed += done;
    if (w->lane && done != 0 && done != 3) fail("a part of a lane's batch went in");
}

static void look_at(const telem_ring_record *r, uint32_t who) {
    uint32_t rec[WORDS], i, s, words;
    if (r->len < 8 || r->len > sizeof rec) { fail("length out of range"); return; }
    memcpy(rec, r->data, r->len);
    s = rec[0] >> 24, words = rec[0] & 0xFFFFFFu;
    if (s > 3 || words * 4u != r->len || r->stream != 1u + s) { fail("torn head"); return; }
    for (i = 2; i < words; i++)
        if (rec[i] != ((rec[1] * 2654435761u) ^ (s * 40503u) ^ i)) { fail("torn payload"); return; }
    if (rec[1] < source[s].next[who]) fail("out of order, or twice");
    source[s].next[who] = rec[1] + 1u, source[s].seen[who]++;
}

static telem_result take(uint32_t who) {
    telem_ring_record rec;
    telem_result res = telem_ring_peek(&reader[who], &rec);
    if (res != TELEM_OK) return res;
#if BREAK == 1
    telem_ring_release(&reader[who]);
    look_at(&rec, who);
#else
    look_at(&rec, who);
    if (BREAK != 6 && telem_ring_release(&reader[who]) != TELEM_OK) fail("release");
#endif
    return TELEM_OK;
}
static telem_result read_one(uint32_t who) {
    telem_ring_record rec;
    uint64_t buf[4];
    telem_result res = telem_ring_read(&reader[who], &rec, buf, sizeof buf);
    if (res == TELEM_OK) look_at(&rec, who);
    return res;
}

static void interrupt(void) {
    if (interrupter == BY_READER) { (void)take(1); return; }
#if BREAK == 4
    if (interrupter != BY_SHARED) put(&lane[0], 2);
#else
    if (interrupter != BY_SHARED) put(&lane[1], 2);
#endif
    if (interrupter != BY_LANE) put(&shared, 3);
}
void on_interrupt(const uint32_t *frame);
void on_interrupt(const uint32_t *frame) {
    SYST_CSR = 0;
    fired = 1;
    hits += frame[6] != last_pc;
    last_pc = frame[6];
    interrupt();
}
void on_systick(void);
__attribute__((naked)) void on_systick(void) {
    __asm__ volatile("mov r0, sp\n push {r4, lr}\n bl on_interrupt\n pop {r4, pc}");
}

/* A fresh ring: state 0 empty, 1 full, 2 about to wrap, 3 with a parked producer, lapped. */
static void prepare(uint32_t policy, uint32_t state) {
    telem_ring_desc d = TELEM_ZERO;
    telem_ring_reader_desc rd = TELEM_ZERO;
    telem_ring_span parked;
    uint32_t i, n = state == 0 ? 1 : state == 1 ? 60 : 23;
    memset(source, 0, sizeof source);
    d.memory = memory, d.memory_size = sizeof memory;
    d.lanes = 2, d.lane_bytes = 512, d.shared_bytes = 512, d.shared_records = 32, d.policy = policy;
    if (telem_ring_init(&ring, &d) != TELEM_OK) fail("init");
    if (telem_ring_writer_init(&lane[0], ring, 0) != TELEM_OK || telem_ring_writer_init(&lane[1], ring, 1) != TELEM_OK ||
        telem_ring_writer_init(&shared, ring, TELEM_RING_SHARED) != TELEM_OK) fail("writer");
    rd.gating = policy == TELEM_RING_REFUSE;
    readers = interrupter == BY_READER ? 2 : 1;
    for (i = 0; i < readers; i++) {
        rd.copy = copy[i], rd.copy_size = sizeof copy[i];
        if (telem_ring_reader_init(&reader[i], ring, &rd) != TELEM_OK) fail("reader");
    }
    open_source = 0;
    if (state == 3) {
        source[1].offered++, open_source = 1;
        if (telem_ring_begin(&shared, 2, (int64_t)++now, 8, &parked) != TELEM_OK) fail("park");
    }
    for (i = 0; i < n; i++) put(&lane[0], 0), put(&shared, 1);
    if (state == 1) (void)take(0); /* the next is one of the shared lane, where the interrupter writes, too */
    if (state == 2)
        while (take(0) == TELEM_OK && (readers == 1 || take(1) == TELEM_OK)) {}
}

static void call(uint32_t which) {
    switch (which) {
    case PUSH_LANE: put(&lane[0], 0); break;
    case PUSH_SHARED: put(&shared, 1); break;
    case BEGIN_LANE: put_in_place(&lane[0], 0); break;
    case BEGIN_SHARED: put_in_place(&shared, 1); break;
    case BATCH_LANE: put_batch(&lane[0], 0); break;
    case BATCH_SHARED: put_batch(&shared, 1); break;
    case TAKE: (void)take(0); break;
    default: (void)read_one(0); break;
    }
}

static void settle(uint32_t policy) {
    telem_ring_counts c = TELEM_ZERO;
    telem_ring_reader_counts rc = TELEM_ZERO;
    uint32_t i, who, offered = 0, pushed = 0, calls, empty;
    telem_result res = TELEM_EMPTY;
    for (who = 0; who < readers; who++) { /* readers wait for a parked producer 1000 calls long */
        for (calls = empty = 0; calls < (open_source ? 2300u : 200u) && empty < 3; calls++) {
            res = take(who);
            empty = res == TELEM_EMPTY && !open_source ? empty + 1u : 0;
        }
        if (res != TELEM_EMPTY) fail("a reader does not come to an end");
        if (telem_ring_reader_stats(&reader[who], &rc) != TELEM_OK) fail("reader stats");
        if (policy == TELEM_RING_REFUSE && (rc.lost || rc.queued)) fail("a gating reader lost something");
        if (telem_ring_stats(ring, &c) != TELEM_OK) fail("stats");
        if (rc.delivered + rc.lost + rc.queued != c.committed) fail("the reader's account does not close");
        for (i = 0; i < 4; i++)
            if (policy == TELEM_RING_REFUSE && source[i].seen[who] != source[i].pushed) fail("a record is missing");
    }
    for (i = 0; i < 4; i++) offered += source[i].offered, pushed += source[i].pushed;
    if (c.offered != offered || c.committed != pushed || c.offered != c.committed + c.refused + c.aborted + c.open)
        fail("the ring's account does not close");
}

/* What make test takes: where the seeded defects show, and some of the others. */
static int in_slice(uint32_t which, uint32_t by, uint32_t policy, uint32_t state) {
    if (which == TAKE) return by == BY_BOTH && policy == 0 && state == 1;
    if (which == PUSH_LANE && by == BY_READER) return policy == 0 && state == 2;
    if (which == PUSH_SHARED && by == BY_SHARED) return policy == 0 && state < 3;
    return (which * 3u + by * 5u + policy + state) % 64u == 0;
}

int main(void) {
    uint32_t which, policy, state, k = 0, after, total = 0, points = 0, calls = 0;
    systick_priority(0);
    for (which = BREAK == 1 ? TAKE : 0; which < CALLS; which++)
        for (interrupter = 0; interrupter < INTERRUPTERS; interrupter++)
            for (policy = 0; policy < 2; policy++)
                for (state = 0; state < 4; state++) {
                    if (interrupter == BY_READER && which >= TAKE) continue;
                    if (SCALE == 1 && !in_slice(which, interrupter, policy, state)) continue;
                    hits = 0, last_pc = 0;
                    for (k = SWEEP_STEP, after = 0; after < 3 && k < 4000u * SWEEP_STEP; k += SWEEP_STEP) {
                        prepare(policy, state);
                        fired = 0;
                        SYST_RVR = k, SYST_CVR = 0, SYST_CSR = 7;
                        call(which);
                        if (!fired) {
                            after++; /* the call was over before the interrupt: a few more, then the next */
                            SYST_CSR = 0;
                        }
                        if ((k / SWEEP_STEP & 3u) == 1 || state != 3) settle(policy);
                        total++;
                        if (bad) goto end;
                    }
                    /* a boundary for each instruction: 64 ns each, k - after ticks of them; but where
                       an M0 masks interrupts there are none */
                    if (BOARD != BOARD_MICROBIT && BREAK == 0 && hits + 8u < (k - after * SWEEP_STEP) * 1000u / TICK(0, 64000u)) fail("an instruction was left out");
                    points += hits, calls++;
                }
end:
    host_number(calls), host_print(" cases, "), host_number(total), host_print(" interrupted calls, ");
    host_number(points), host_print(" program counters\n");
    if (bad) {
        host_print("FAILED: "), host_print(why), host_print(", call "), host_number(which);
        host_print(" by "), host_number(interrupter), host_print(" policy "), host_number(policy);
        host_print(" state "), host_number(state), host_print(" tick "), host_number(k), host_print("\n");
    }
    return bad ? 1 : 0;
}
