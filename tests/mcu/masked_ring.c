/* masked_ring.c - the longest stretch with interrupts masked in each call of the small ring, in instructions:
   the macros read SysTick (under -icount, see cost_ring.c), and an empty section is taken off. Fails when a
   stretch is longer than the manual says. Lines: mcu.<board>.masked.<case> <instructions> insns.
   BREAK=n builds one defect in, which the run has to find:
     1 sections are 32 loads longer
   BOARDS: m0 m3 m4 */
#include "board.h"
#include "semihost.h"
static uint32_t entered, longest, longer;
#define TELEM_CRITICAL_ENTER(s) \
    do { \
        __asm__ volatile("mrs %0, primask\n cpsid i" : "=r"(s)::"memory"); \
        entered = SYST_CVR; \
    } while (0)
#define TELEM_CRITICAL_EXIT(s) \
    do { \
        uint32_t ticks_, i_; \
        for (i_ = 0; i_ < longer; i_++) (void)SYST_CSR; \
        ticks_ = entered - SYST_CVR; \
        if (ticks_ > longest) longest = ticks_; \
        __asm__ volatile("msr primask, %0" ::"r"(s) : "memory"); \
    } while (0)
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"

#if BOARD == BOARD_MICROBIT
#define NAME "mcu.m0.masked."
#elif defined(__ARM_FP)
#define NAME "mcu.m4.masked."
#else
#define NAME "mcu.m3.masked."
#endif

static uint64_t memory[1024 / 8], payload[128 / 8];
static telem_ring_small *ring;
static uint32_t len, now, empty, bad;

static void push(void) { (void)telem_ring_small_push(ring, 1, now++, payload, len); }
static void push_shared(void) { (void)telem_ring_small_push_shared(ring, 1, now++, payload, len); }
static void push_shared_inline(void) { (void)telem_ring_small_push_shared_inline(ring, 1, now++, payload, 8); }
static void begin_shared(void) {
    void *span;
    if (telem_ring_small_begin_shared(ring, 1, now++, len, &span) == TELEM_OK) (void)telem_ring_small_commit(span);
}
static void take(void) {
    telem_ring_record rec;
    push();
    if (telem_ring_small_peek(ring, &rec) == TELEM_OK) (void)telem_ring_small_release(ring);
}

/* The longest of 500 calls in a full ring, or in one that only wraps. */
static void measure(const char *name, void (*call)(void), uint32_t policy, uint32_t bytes, uint32_t most) {
    uint32_t i;
    len = bytes, longest = 0;
    if (telem_ring_small_init(&ring, memory, sizeof memory, policy, 0) != TELEM_OK) host_exit(1);
    for (i = 0; i < 500; i++) {
        SYST_RVR = 0xFFFFFF, SYST_CVR = 0, SYST_CSR = 5;
        while (SYST_CVR == 0) {}
        call();
    }
    i = (longest - empty) * 1000u / TICK(0, 64000u);
    if (i > most) bad = 1;
    host_print(NAME), host_print(name), host_print(" "), host_number(i), host_print(" insns\n");
}
static void nothing(void) {
    uint32_t s;
    TELEM_CRITICAL_ENTER(s);
    TELEM_CRITICAL_EXIT(s);
}

int main(void) {
    measure("empty", nothing, TELEM_RING_REFUSE, 8, 99);
    empty = longest, longer = BREAK == 1 ? 32 : 0;
    measure("overwriting.push.8B", push, TELEM_RING_OVERWRITE, 8, 40);
    measure("overwriting.push.128B", push, TELEM_RING_OVERWRITE, 128, 40);
    measure("release.8B", take, TELEM_RING_OVERWRITE, 8, 15);
    measure("shared.push_inline.8B", push_shared_inline, TELEM_RING_REFUSE, 8, 70);
    measure("shared_overwriting.push_inline.8B", push_shared_inline, TELEM_RING_OVERWRITE, 8, 70);
    measure("shared_overwriting.push.8B", push_shared, TELEM_RING_OVERWRITE, 8, 70);
    measure("shared_overwriting.push.128B", push_shared, TELEM_RING_OVERWRITE, 128, 200);
    measure("shared_overwriting.begin.128B", begin_shared, TELEM_RING_OVERWRITE, 128, 70);
    return (int)bad;
}
