/* broken_atomics.h - the defects that the interrupt tests have to find, as a set of atomics of the
   user's own: right in everything but that fetch_add (BREAK 2) or compare-and-swap (BREAK 3) are
   three plain steps. Without BREAK the header's own atomics are used. */
#if BREAK == 2 || BREAK == 3
#include <stdint.h>
typedef uint32_t telem_atomic32;
#define MCU_BARRIER() __asm__ volatile("" ::: "memory")
#define TELEM_LOAD32_RELAXED(p) (*(const volatile uint32_t *)(p))
#define TELEM_STORE32_RELAXED(p, v) ((void)(*(volatile uint32_t *)(p) = (v)))
static inline uint32_t mcu_load(const volatile uint32_t *p) {
    uint32_t v = *p;
    MCU_BARRIER();
    return v;
}
static inline void mcu_store(volatile uint32_t *p, uint32_t v) {
    MCU_BARRIER();
    *p = v;
}
static inline uint32_t mcu_mask(void) {
    uint32_t was;
    __asm__ volatile("mrs %0, primask\n cpsid i" : "=r"(was)::"memory");
    return was;
}
static inline void mcu_unmask(uint32_t was) { __asm__ volatile("msr primask, %0" ::"r"(was) : "memory"); }
static inline uint32_t mcu_fetch_add(volatile uint32_t *p, uint32_t n) {
    uint32_t mask = BREAK == 2 ? 0 : mcu_mask(), was = *p;
    *p = was + n;
    if (BREAK != 2) mcu_unmask(mask);
    return was;
}
static inline int mcu_cas(volatile uint32_t *p, uint32_t *expected, uint32_t desired) {
    uint32_t mask = BREAK == 3 ? 0 : mcu_mask(), was = *p;
    int same = was == *expected;
    if (same) *p = desired;
    if (BREAK != 3) mcu_unmask(mask);
    *expected = was;
    return same;
}
#define TELEM_LOAD32_ACQUIRE(p) mcu_load(p)
#define TELEM_STORE32_RELEASE(p, v) mcu_store(p, v)
#define TELEM_FETCH_ADD32(p, v) mcu_fetch_add(p, v)
#define TELEM_CAS32(p, e, d) mcu_cas(p, e, d)
#define TELEM_FENCE_ACQUIRE() MCU_BARRIER()
#define TELEM_FENCE_RELEASE() MCU_BARRIER()
#define TELEM_FENCE_SEQ_CST() MCU_BARRIER()
#endif
