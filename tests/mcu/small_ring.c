/* small_ring.c - the small ring under interrupts. First each call is interrupted at every instruction, as
   in sweep_ring.c: pushes and begin + commit, alone and shared, by the reader, by a reset (what it would
   leave is attached and read from a copy) and, when shared, by a writer; peek + release by writers.
   Rings: empty, full, about to wrap; REFUSE and OVERWRITE. Then three timers nest and share a ring with main.
   Checked: records are whole, in order, once, and accounted for; a reset leaves all that was committed.
   BREAK=n builds one defect in, which the run has to find:
     1 the reader gives the record back before it reads it
     2 critical sections mask nothing
     3 writers that interrupt each other use the calls for one writer
     4 the reader takes what release says was overwritten
     5 a record is published before it is written
   BOARDS: m0 m3 m4 m7 m33 stm32f4      SHIFT: 6 */
#include "board.h"
#include "semihost.h"
#if BREAK == 2
#define TELEM_CRITICAL_ENTER(s) ((s) = 0)
#define TELEM_CRITICAL_EXIT(s) ((void)(s))
#endif
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"

#define WORDS 6u
#if BREAK == 3
#define PUSH_SHARED telem_ring_small_push
#define BEGIN_SHARED telem_ring_small_begin
#else
#define PUSH_SHARED telem_ring_small_push_shared
#define BEGIN_SHARED telem_ring_small_begin_shared
#endif

enum { PUSH, BEGIN, PUSH_BY_MANY, BEGIN_BY_MANY, TAKE, CALLS };
enum { BY_READER, BY_RESET, BY_WRITER, INTERRUPTERS };

static uint64_t memory[512 / 8], left_over[512 / 8];
static telem_ring_small *ring;
static struct {
    uint32_t offered, pushed, next, seen;
} source[4]; /* by who pushed */
static uint32_t bad, policy, interrupter, hits, last_pc, shared;
static volatile uint32_t fired, now, depth, deepest, left[3];
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
static int whole(const telem_ring_record *r, uint32_t *s, uint32_t *n) {
    uint32_t rec[WORDS], i, words;
    if (r->len < 8 || r->len > sizeof rec) return 0;
    memcpy(rec, r->data, r->len);
    *s = rec[0] >> 24, *n = rec[1], words = rec[0] & 0xFFFFFFu;
    if (*s > 3 || words * 4u != r->len || r->stream != 1u + *s) return 0;
    for (i = 2; i < words; i++)
        if (rec[i] != ((*n * 2654435761u) ^ (*s * 40503u) ^ i)) return 0;
    return 1;
}

static void put(uint32_t s) {
    uint32_t rec[WORDS], len = fill(rec, s);
    telem_result res;
    if (len == 8) res = shared && BREAK != 3 ? telem_ring_small_push_shared_inline(ring, 1u + s, ++now, rec, 8) : telem_ring_small_push_inline(ring, 1u + s, ++now, rec, 8);
    else res = shared ? PUSH_SHARED(ring, 1u + s, ++now, rec, len) : telem_ring_small_push(ring, 1u + s, ++now, rec, len);
    if (res == TELEM_OK) source[s].pushed++;
    else if (res != TELEM_FULL) fail("push answers neither OK nor FULL");
}
static void put_in_place(uint32_t s) {
    uint32_t rec[WORDS], len = fill(rec, s);
    void *span;
    telem_result res = shared ? BEGIN_SHARED(ring, 1u + s, ++now, len, &span) : telem_ring_small_begin(ring, 1u + s, ++now, len, &span);
    if (res == TELEM_FULL) return;
    if (res != TELEM_OK) { fail("begin answers neither OK nor FULL"); return; }
    memcpy(span, rec, len);
    if (source[s].offered % 4u == 3) {
        if (telem_ring_small_abort(span) != TELEM_OK || telem_ring_small_commit(span) != TELEM_ERR_STATE) fail("abort");
        return;
    }
    if (telem_ring_small_commit(span) != TELEM_OK) fail("commit");
    source[s].pushed++;
}

static telem_result take(void) {
    telem_ring_record rec;
    uint32_t s = 0, n = 0;
    int is;
    telem_result res = telem_ring_small_peek(ring, &rec);
    if (res != TELEM_OK) return res;
#if BREAK == 1
    res = telem_ring_small_release(ring);
    is = whole(&rec, &s, &n);
#else
    is = whole(&rec, &s, &n);
    res = telem_ring_small_release(ring);
#endif
    if (res == TELEM_EXPELLED && policy == TELEM_RING_OVERWRITE && BREAK != 4) return TELEM_OK;
    if (res != TELEM_OK && BREAK != 4) fail("release");
    if (!is) { fail("torn"); return TELEM_OK; }
    if (n < source[s].next) fail("out of order, or twice");
    source[s].next = n + 1u, source[s].seen++;
    return TELEM_OK;
}

/* What a reset at this moment leaves: every record that was committed, and it goes on. */
static void reset_now(void) {
    telem_ring_small *again, *was = ring;
    telem_ring_record rec;
    telem_ring_counts c = TELEM_ZERO;
    telem_ring_reader_counts rc = TELEM_ZERO, rc2 = TELEM_ZERO;
    uint32_t s, n, got = 0;
    telem_ring_small_stats(ring, &c, &rc);
    memcpy(left_over, memory, sizeof memory);
    if (telem_ring_small_attach(&again, left_over, sizeof left_over) != TELEM_OK) { fail("attach"); return; }
    for (; telem_ring_small_peek(again, &rec) == TELEM_OK; got++) {
        if (!whole(&rec, &s, &n)) fail("torn after a reset");
        if (telem_ring_small_release(again) != TELEM_OK) fail("release after a reset");
    }
    if (got != rc.queued) fail("a reset lost a record");
    telem_ring_small_stats(again, &c, &rc2);
    if (rc2.delivered != rc.delivered + got || rc2.lost != rc.lost || rc2.queued || c.open ||
        c.offered != c.committed + c.refused + c.aborted) fail("the account after a reset");
    ring = again; /* an empty ring has room for the largest */
    if (telem_ring_small_push(again, 1, now, left_over, 192) != TELEM_OK) fail("no room after a reset");
    ring = was;
}

static void interrupt(void) {
    if (interrupter == BY_READER) (void)take();
    else if (interrupter == BY_RESET) reset_now();
    else put(2), put_in_place(2);
}
void on_interrupt(const uint32_t *frame);
void on_interrupt(const uint32_t *frame) {
    SYST_CSR = 0;
    fired = 1;
    hits += frame[6] != last_pc;
    last_pc = frame[6];
    interrupt();
}
static void handler(uint32_t s) {
    if (left[s] == 0 || --left[s] == 0) timer_stop((int)s);
    depth++;
    if (depth > deepest) deepest = depth;
    put(s), put_in_place(s);
    depth--;
}
static int nesting;
void on_tick(const uint32_t *frame);
void on_tick(const uint32_t *frame) {
    if (nesting) handler(0);
    else on_interrupt(frame);
}
void on_systick(void);
__attribute__((naked)) void on_systick(void) {
    __asm__ volatile("mov r0, sp\n push {r4, lr}\n bl on_tick\n pop {r4, pc}");
}
void on_timer1(void);
void on_timer2(void);
void on_timer1(void) { timer_acknowledge(1); handler(1); }
void on_timer2(void) { timer_acknowledge(2); handler(2); }

static void settle(void) {
    telem_ring_counts c = TELEM_ZERO;
    telem_ring_reader_counts rc = TELEM_ZERO;
    uint32_t i, n, offered = 0, pushed = 0;
    for (n = 0; n < 200 && take() == TELEM_OK; n++) {}
    if (n == 200) fail("the reader does not come to an end");
    telem_ring_small_stats(ring, &c, &rc);
    for (i = 0; i < 4; i++) {
        offered += source[i].offered, pushed += source[i].pushed;
        if (policy == TELEM_RING_REFUSE && source[i].seen != source[i].pushed) fail("a record is missing");
    }
    if (rc.queued || c.open || (policy == TELEM_RING_REFUSE && rc.lost)) fail("something is left, or lost");
    if (c.offered != offered || c.committed != pushed || rc.delivered + rc.lost != c.committed) fail("the account does not close");
}

static void prepare(uint32_t state) {
    uint32_t i, n = state == 0 ? 1 : state == 1 ? 40 : 17;
    memset(source, 0, sizeof source);
    if (telem_ring_small_init(&ring, memory, sizeof memory, policy, (int64_t)now) != TELEM_OK) fail("init");
    for (i = 0; i < n; i++) put(0);
    if (state == 1) (void)take();
    if (state == 2)
        while (take() == TELEM_OK) {}
}

static uint32_t total, points, cases;
static void sweep(uint32_t which, uint32_t state) {
    uint32_t k, after;
    hits = 0, last_pc = 0;
    shared = which == PUSH_BY_MANY || which == BEGIN_BY_MANY || (which == TAKE && state > 2);
    for (k = SWEEP_STEP, after = 0; after < 3 && k < 4000u * SWEEP_STEP && !bad; k += SWEEP_STEP, total++) {
        prepare(state % 3u);
        fired = 0;
        SYST_RVR = k, SYST_CVR = 0, SYST_CSR = 7;
        if (which == TAKE) (void)take();
        else if (which == PUSH || which == PUSH_BY_MANY) put(0);
        else put_in_place(0);
        if (!fired) after++, SYST_CSR = 0;
        settle();
    }
    /* half of them at least, even where interrupts are masked for the rest */
    if (BREAK == 0 && hits * 4u + 16u < (k - after * SWEEP_STEP) * 1000u / TICK(0, 64000u)) fail("instructions were left out");
    points += hits, cases++;
}

/* The timers fire faster than their handlers end; each stops itself after its share. */
static void nest(void) {
    uint32_t i;
    nesting = 1, shared = 1;
    for (policy = 0; policy < 2 && !bad; policy++) {
        prepare(0);
        for (i = 0; i < 3; i++) left[i] = 300 * SCALE;
        for (i = 0; i < 3; i++) timer_start((int)i, 70000u + 9000u * i, 3u - i);
        while (left[0] || left[1] || left[2]) {
            put(3), put_in_place(3);
            for (i = 0; i < 6; i++) (void)take();
        }
        settle();
    }
    if (deepest < 3) fail("the handlers never nested three deep");
}

int main(void) {
    uint32_t which = 0, state;
    systick_priority(0);
    for (which = 0; which < CALLS && !bad; which++)
        for (interrupter = 0; interrupter < INTERRUPTERS && !bad; interrupter++)
            for (policy = 0; policy < 2 && !bad; policy++)
                for (state = 0; state < (which == TAKE ? 6u : 3u) && !bad; state++) {
                    if (which == TAKE ? interrupter == BY_READER : which < PUSH_BY_MANY && interrupter == BY_WRITER) continue;
                    if (SCALE > 1 || (which * 3u + interrupter + policy + state) % 4u == 1u) sweep(which, state);
                }
    if (!bad && BOARD != BOARD_STM32F4) nest(); /* its emulated timers stop when handlers come late */
    host_number(cases), host_print(" cases, "), host_number(total), host_print(" interrupted calls, ");
    host_number(points), host_print(" program counters\n");
    if (bad) host_print("FAILED: "), host_print(why), host_print("\n");
    return bad ? 1 : 0;
}
