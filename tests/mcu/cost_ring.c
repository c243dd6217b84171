/* cost_ring.c - instructions per call, counted: SysTick under -icount runs 40 / 64 as fast as the
   instructions (SHIFT: 6), and gives the same number every time. Each call is measured in a run of 64,
   less the same loop around a function that only steps the stamp (64 bits; of the small ring 32). Lines: mcu.<board>.<case> <instructions> insns.
   BOARDS: m0 m3 m4 */
#include "board.h"
#include "semihost.h"
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"

#if BOARD == BOARD_MICROBIT
#define NAME "mcu.m0."
#elif defined(__ARM_FP)
#define NAME "mcu.m4."
#else
#define NAME "mcu.m3."
#endif
#ifdef __OPTIMIZE_SIZE__
#define OPTIMISED ""
#else
#define OPTIMISED "O2."
#endif
#define CALLS 64u

static uint64_t memory[10240 / 8], payload[128 / 8], copy[160 / 8];
static telem_ring *ring;
static telem_ring_writer lane, shared, *w;
static telem_ring_reader rd;
static uint32_t len, floor_cost;
static int64_t now;

static uint32_t ticks(void) { return 0xFFFFFFu - SYST_CVR; }

static __attribute__((noinline)) void nothing_done(void) { now++; __asm__ volatile("" ::: "memory"); }
static __attribute__((noinline)) void push(void) { (void)telem_ring_push(w, 1, now++, payload, len); }
#define PUSH_INLINE(n) static __attribute__((noinline)) void push_inline_##n(void) { (void)telem_ring_push_inline(w, 1, now++, payload, n); }
PUSH_INLINE(8)
PUSH_INLINE(32)
PUSH_INLINE(128)
static __attribute__((noinline)) void begin_commit(void) {
    telem_ring_span span;
    if (telem_ring_begin(w, 1, now++, len, &span) == TELEM_OK) (void)telem_ring_commit(w, &span);
}
static __attribute__((noinline)) void peek_release(void) {
    telem_ring_record rec;
    now++;
    if (telem_ring_peek(&rd, &rec) == TELEM_OK) (void)telem_ring_release(&rd);
}

static __attribute__((noinline)) void peek_release_inline(void) {
    telem_ring_record rec;
    now++;
    if (telem_ring_peek_inline(&rd, &rec) == TELEM_OK) (void)telem_ring_release_inline(&rd);
}

static telem_ring_small *small;
static uint32_t stamp;
static __attribute__((noinline)) void small_nothing_done(void) { stamp++; __asm__ volatile("" ::: "memory"); }
static __attribute__((noinline)) void small_push(void) { (void)telem_ring_small_push(small, 1, stamp++, payload, len); }
static __attribute__((noinline)) void small_push_shared(void) { (void)telem_ring_small_push_shared(small, 1, stamp++, payload, len); }
static __attribute__((noinline)) void small_begin_commit(void) {
    void *span;
    if (telem_ring_small_begin(small, 1, stamp++, len, &span) == TELEM_OK) (void)telem_ring_small_commit(span);
}
static __attribute__((noinline)) void small_begin_commit_shared(void) {
    void *span;
    if (telem_ring_small_begin_shared(small, 1, stamp++, len, &span) == TELEM_OK) (void)telem_ring_small_commit(span);
}
#define SMALL_INLINE(n) \
    static __attribute__((noinline)) void small_inline_##n(void) { (void)telem_ring_small_push_inline(small, 1, stamp++, payload, n); } \
    static __attribute__((noinline)) void small_shared_inline_##n(void) { (void)telem_ring_small_push_shared_inline(small, 1, stamp++, payload, n); }
SMALL_INLINE(8)
SMALL_INLINE(32)
static __attribute__((noinline)) void small_peek_release(void) {
    telem_ring_record rec;
    stamp++;
    if (telem_ring_small_peek(small, &rec) == TELEM_OK) (void)telem_ring_small_release(small);
}

/* Also the call through a pointer, which the empty call takes off again. */
static uint32_t cost(void (*call)(void)) {
    uint32_t i, from;
    void (*volatile f)(void) = call;
    SYST_RVR = 0xFFFFFF, SYST_CVR = 0, SYST_CSR = 5;
    while (SYST_CVR == 0) {} /* it starts with the next tick */
    from = ticks();
    for (i = 0; i < CALLS; i++) f();
    return ticks() - from;
}
static void line(const char *name, const char *size, void (*call)(void)) {
    /* ticks to instructions: TICK(0, 64000) ticks are 1000 of them */
    uint32_t n = ((cost(call) - floor_cost) * 1000u / TICK(0, 64000u) + CALLS / 2u) / CALLS;
    host_print(NAME OPTIMISED), host_print(name), host_print(size), host_print(" "), host_number(n), host_print(" insns\n");
}

static void fresh(uint32_t policy) {
    telem_ring_desc d = TELEM_ZERO;
    telem_ring_reader_desc r = TELEM_ZERO;
    d.memory = memory, d.memory_size = sizeof memory;
    d.lanes = 1, d.lane_bytes = 2048, d.shared_bytes = 4096, d.shared_records = 128, d.policy = policy;
    r.gating = policy == TELEM_RING_REFUSE, r.copy = copy, r.copy_size = sizeof copy;
    if (telem_ring_init(&ring, &d) != TELEM_OK || telem_ring_writer_init(&lane, ring, 0) != TELEM_OK ||
        telem_ring_writer_init(&shared, ring, TELEM_RING_SHARED) != TELEM_OK ||
        telem_ring_reader_init(&rd, ring, &r) != TELEM_OK) host_exit(1);
}

/* Full, and overwriting or read along; the dear pushes that look for room are among the 64. */
static void small_ring(const uint32_t *sizes, const char *const *names) {
    uint32_t i, k;
    floor_cost = cost(small_nothing_done);
    for (i = 0; i < 3; i++) {
        len = sizes[i];
        (void)telem_ring_small_init(&small, memory, sizeof memory, TELEM_RING_OVERWRITE, 0);
        for (k = 0; k < 1000; k++) small_push();
        line("small_overwriting.push.", names[i], small_push);
        line("small_overwriting.begin_commit.", names[i], small_begin_commit);
        line("small_shared_overwriting.push.", names[i], small_push_shared);
        line("small_shared_overwriting.begin_commit.", names[i], small_begin_commit_shared);
        if (i < 2) line("small_overwriting.push_inline.", names[i], i ? small_inline_32 : small_inline_8);
        (void)telem_ring_small_init(&small, memory, sizeof memory, TELEM_RING_REFUSE, 0);
        if (i < 2) line("small.push_inline.", names[i], i ? small_inline_32 : small_inline_8);
        if (i < 2) line("small_shared.push_inline.", names[i], i ? small_shared_inline_32 : small_shared_inline_8);
        (void)telem_ring_small_init(&small, memory, sizeof memory, TELEM_RING_REFUSE, 0);
        line("small.push.", names[i], small_push);
        (void)telem_ring_small_init(&small, memory, sizeof memory, TELEM_RING_REFUSE, 0);
        line("small_shared.push.", names[i], small_push_shared);
        line("small.peek_release.", names[i], small_peek_release);
    }
}

int main(void) {
    static const uint32_t sizes[3] = {8, 32, 128};
    static const char *const names[3] = {"8B", "32B", "128B"};
    static void (*const inlined[3])(void) = {push_inline_8, push_inline_32, push_inline_128};
    uint32_t i, k, s;
    floor_cost = cost(nothing_done);
    for (s = 0; s < 2; s++)
        for (i = 0; i < 3; i++) {
            len = sizes[i];
            fresh(TELEM_RING_OVERWRITE);
            w = s ? &shared : &lane;
            for (k = 0; k < 300; k++) push(); /* warm: the ring is full and overwrites */
            line(s ? "shared.push." : "lane.push.", names[i], push);
            if (!s) line("lane.push_inline.", names[i], inlined[i]);
            line(s ? "shared.begin_commit." : "lane.begin_commit.", names[i], begin_commit);
        }
    for (s = 0; s < 2; s++) {
        len = 8;
        fresh(TELEM_RING_REFUSE);
        w = s ? &shared : &lane;
        for (k = 0; k < CALLS; k++) push();
        line(s ? "shared.peek_release." : "lane.peek_release.", "8B", peek_release);
        if (s) continue;
        for (k = 0; k < CALLS; k++) push();
        line("lane.peek_release_inline.", "8B", peek_release_inline);
    }
    small_ring(sizes, names);
    return 0;
}
