/* telem.h - v0.1 - the core that the other telem headers stand on - C99 and C++11 - MIT (end of file)

   USE
       In ONE .c (or .cc) file, before the include:

           #define TELEM_IMPLEMENTATION
           #include "telem.h"              // and any other telem_*.h that the program uses

       Everywhere else include it without the define. To get a private copy in one file (every
       function static, no symbol exported), define TELEM_STATIC as well. The define may also come
       after a first include: the implementation has a guard of its own.

       Needs <stddef.h> <stdint.h> <string.h> (memcpy, memset, memcmp). No malloc, no stdio, no OS
       header is needed by the core; the stdio and file descriptor back ends of telem_io and the
       system clocks are compiled where there is a system and can be removed (OPTIONS).

   QUICK START

       #define TELEM_IMPLEMENTATION
       #include "telem.h"
       #include <stdio.h>

       int main(void) {
           uint8_t buf[TELEM_VARINT_MAX];
           size_t n = telem_varint_put(buf, 300);
           uint64_t back = 0;
           int used = telem_varint_get(buf, n, &back);
           if (used < 0) { printf("%s\n", telem_result_text((telem_result)used)); return 1; }
           printf("%d bytes, value %d\n", used, (int)back);      // 2 bytes, value 300
           return 0;
       }

   GUARANTEES AND LIMITS (each with the test in tests/test_telem.c that proves it)
       - A varint has one form only: an encoding longer than needed, or one that exceeds 64 bits,
         is CORRUPT; one that is cut is TRUNCATED.             every_varint_has_one_form
       - Byte order on the wire is little-endian on every host; no access needs alignment.
                                                               bytes_are_little_endian
       - A narrow counter extended by telem_clock_extend never goes backwards by a wrap as long as
         no silence lasts 15/16 of a wrap, and, after telem_clock_sync, whatever the silence.
                                                               narrow_counter_is_extended_over_wraps
       - Ticks become nanoseconds with one rounding, for any rational frequency, without 128-bit
         types; results outside int64 saturate.                ticks_become_nanoseconds_exactly
       - An io that wrote less than asked returns what it wrote; errors are codes, never errno.
                                                               io_reports_short_writes_and_errors
       - Nothing here allocates, prints, keeps global state or recurses.

   CONTENTS
       results . version . helpers . atomics . byte order and varints . clocks . io . filters

   OPTIONS (define before every include of a telem header, the same in all files)
       TELEM_IMPLEMENTATION  compile the function bodies here
       TELEM_STATIC          private copy: all functions static
       TELEM_API             linkage of the functions, e.g. __declspec(dllexport)
       TELEM_ASSERT(x)       checks the caller's own bugs; default: off. Bytes from outside never
                             reach it
       TELEM_NO_STDIO        leave out telem_io_stdio
       TELEM_NO_TEXT         errors have a code and an offset, but no words (flash)
       TELEM_NO_POSIX        leave out telem_io_fd and the system clocks
       TELEM_SINGLE_CORE     one core, no DMA that shares the data: barriers become compiler
                             barriers (interrupts on the same core see program order)
       TELEM_LOAD32_RELAXED  defining it says: I bring all atomics of this page myself

   PORTING
       Compilers: gcc, clang, arm-none-eabi-gcc, mingw are tested. The MSVC branch is written
       after its documentation and untested. Unknown compilers: bring the atomics.
       On Linux the implementation of telem_io_fd wants `_POSIX_C_SOURCE 200809L` defined before
       the first system header when compiled with a strict -std=c99 (gnu99 needs nothing).
       ARMv6-M (Cortex-M0, M0+) has no exclusive access: read-modify-writes there run with
       interrupts masked (PRIMASK) for a few instructions, loads and stores do not.

   MEMORY ORDERING of the atomics
       relaxed   atomic, no order.             acquire  later accesses stay behind the load.
       release   earlier accesses stay before the store.
       FETCH_ADD and CAS are acquire and release at once. Plain C11 meaning; nothing stronger is
       implied, so a store followed by a load of another word needs TELEM_FENCE_SEQ_CST between. */

#ifndef TELEM_H
#define TELEM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ------------------------------------------------------------------------------- version ---- */

/* The library's version. The stream format and the shared memory layout count apart from it:
   TELEM_FILE_FORMAT in telem_file.h, TELEM_SHM_LAYOUT in telem_shm.h. */
#define TELEM_VERSION_MAJOR 0
#define TELEM_VERSION_MINOR 1
#define TELEM_VERSION_PATCH 0
#define TELEM_VERSION (TELEM_VERSION_MAJOR * 1000000 + TELEM_VERSION_MINOR * 1000 + TELEM_VERSION_PATCH)
#define TELEM_VERSION_STRING "0.1.0"

/* ------------------------------------------------------------------------------- linkage ---- */

#if defined(__FAST_MATH__)
#error "telem: -ffast-math changes the bits of floating point data; build the telem code without it"
#endif

#if defined(TELEM_NO_TEXT)
#define TELEM_I_WORDS(text) "refused"
#else
#define TELEM_I_WORDS(text) text
#endif

#if defined(__GNUC__) || defined(__clang__)
#define TELEM_UNUSED __attribute__((unused))
#define TELEM_I_INLINE static inline __attribute__((always_inline)) /* also at -Os */
#define TELEM_I_APART static __attribute__((noinline)) /* a loop that needs the registers for itself */
#else
#define TELEM_UNUSED
#define TELEM_I_INLINE static inline
#define TELEM_I_APART static
#endif

#ifndef TELEM_API
#if defined(TELEM_STATIC)
#define TELEM_API TELEM_UNUSED static
#elif defined(__cplusplus)
#define TELEM_API extern "C"
#else
#define TELEM_API extern
#endif
#endif

/* Callbacks have the linkage of the language that includes the header; C and C++ functions have
   the same calling convention on every compiler named above. */

#ifndef TELEM_ASSERT
#define TELEM_ASSERT(x) ((void)0)
#endif

/* telem_ring_desc d = TELEM_ZERO;   all members zero, in C and in C++ without a warning. */
#ifdef __cplusplus
#define TELEM_ZERO {}
#else
#define TELEM_ZERO {0}
#endif

/* A check at compile time, at file or block scope: TELEM_STATIC_ASSERT(sizeof(x) == 4, x_is_4).
   The second argument is an identifier, unique in its scope; it shows in the error. */
#if defined(__cplusplus)
#define TELEM_STATIC_ASSERT(cond, name) static_assert(cond, #name)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define TELEM_STATIC_ASSERT(cond, name) _Static_assert(cond, #name)
#else
#define TELEM_STATIC_ASSERT(cond, name) \
    TELEM_UNUSED typedef char telem_i_assert_##name[(cond) ? 1 : -1]
#endif

/* ------------------------------------------------------------------------------- results ---- */

/* Every code: name, value, text, example of a cause. Zero is success. A call that counts returns
   the count (>= 0) or one of these codes. Ordinary states stand apart from damage and errors. */
#define TELEM_RESULTS(X) \
    X(TELEM_OK, 0, "ok", "the call did what it says") \
    X(TELEM_ERR_ARG, -1, "invalid argument", "a NULL pointer, or a desc field out of its range") \
    X(TELEM_ERR_STATE, -2, "call out of order", "commit without begin, write after close") \
    X(TELEM_ERR_MEMORY, -3, "the memory handed in is too small", "a buffer below the sizing macro") \
    X(TELEM_ERR_LIMIT, -4, "a limit was exceeded", "a row larger than the desc's max_row") \
    X(TELEM_ERR_NOT_FOUND, -5, "not found", "a field name that the schema does not have") \
    X(TELEM_ERR_EXISTS, -6, "exists already", "a stream id registered twice") \
    X(TELEM_ERR_MISMATCH, -7, "schemas differ", "a struct read with another stream's schema") \
    X(TELEM_ERR_SYNTAX, -8, "text does not follow the grammar", "a missing bracket in a schema") \
    X(TELEM_ERR_RANGE, -9, "value out of range", "300 for a field of type u8") \
    X(TELEM_ERR_CORRUPT, -10, "damaged data", "a check that does not match its bytes") \
    X(TELEM_ERR_TRUNCATED, -11, "data ends too early", "a file cut by a power failure") \
    X(TELEM_ERR_UNSUPPORTED, -12, "not supported", "a format version newer than this library") \
    X(TELEM_ERR_IO, -13, "input or output failed", "a device error, a closed pipe") \
    X(TELEM_ERR_SPACE, -14, "no space left", "a full disk, a full memory io") \
    X(TELEM_ERR_ACCESS, -15, "access refused", "a file without read permission") \
    X(TELEM_ERR_BUSY, -16, "in use by another", "a second writer of a file") \
    X(TELEM_ERR_UNSYNCED, -17, "taken, but not on the medium", "a row whose own sync failed") \
    X(TELEM_FULL, -32, "full", "a ring whose reader is behind") \
    X(TELEM_EMPTY, -33, "empty", "a ring with nothing to read") \
    X(TELEM_AGAIN, -34, "not now, try again", "a pipe without data at the moment") \
    X(TELEM_LAPPED, -35, "overtaken by the writer", "a slow reader of a ring that overwrites") \
    X(TELEM_END, -36, "end of data", "the last row was read") \
    X(TELEM_EXPELLED, -37, "expelled", "a reader that held space beyond its time limit")

#define TELEM_I_ENUM(name, value, text, cause) name = value,
typedef enum telem_result { TELEM_RESULTS(TELEM_I_ENUM) TELEM_I_RESULT_MIN = -128 } telem_result;
#undef TELEM_I_ENUM

/* An error with its place: what happened, at which byte (or row), in static text. */
typedef struct telem_error {
    telem_result code;
    uint64_t offset;  /* byte position in the file, stream or text */
    const char *what; /* static text, never NULL after an error */
} telem_error;

/* Name ("TELEM_FULL"), text ("full") and example cause of a code. Any thread, any ISR; static
   text; an unknown code gives "unknown result". */
TELEM_API const char *telem_result_name(telem_result r);
TELEM_API const char *telem_result_text(telem_result r);
TELEM_API const char *telem_result_cause(telem_result r);

/* ------------------------------------------------------------------------------- atomics ---- */

/* 32-bit atomics everywhere, 64-bit ones where the machine has them without a lock
   (TELEM_HAS_ATOMIC64). To bring your own (an RTOS, a model checker), define the whole set, from
   TELEM_LOAD32_RELAXED on, and the types telem_atomic32 / telem_atomic64, before the include.

     TELEM_LOAD32_RELAXED(p)   TELEM_LOAD32_ACQUIRE(p)     p: const telem_atomic32 *
     TELEM_STORE32_RELAXED(p, v)  TELEM_STORE32_RELEASE(p, v)
     TELEM_FETCH_ADD32(p, v)   the value before            acquire and release
     TELEM_CAS32(p, e, d)      1 when *p was *e and is now d, else 0 and *e = *p; strong
     TELEM_FENCE_ACQUIRE()     TELEM_FENCE_RELEASE()       TELEM_FENCE_SEQ_CST()
     and the same with 64 when TELEM_HAS_ATOMIC64 is 1. */

/* Interrupts masked, on every Cortex-M; in unprivileged thread mode the core ignores cpsid without a word:
   there, or for a critical section of your own, define both macros. The argument holds the state between. */
#if !defined(TELEM_CRITICAL_ENTER) && defined(__ARM_ARCH_PROFILE) && (defined(__GNUC__) || defined(__clang__))
#if __ARM_ARCH_PROFILE == 'M'
#define TELEM_CRITICAL_ENTER(s) \
    do { \
        __asm__ volatile("mrs %0, primask" : "=r"(s)::"memory"); \
        __asm__ volatile("cpsid i" ::: "memory"); \
    } while (0)
#define TELEM_CRITICAL_EXIT(s) __asm__ volatile("msr primask, %0" ::"r"(s) : "memory")
#endif
#endif

/* Holds back the compiler only: between an interrupt and what it interrupts, on one core. */
#ifdef TELEM_I_ONE_CORE_BARRIER
#elif defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define TELEM_I_ONE_CORE_BARRIER() _ReadWriteBarrier()
#else
#define TELEM_I_ONE_CORE_BARRIER() __asm__ volatile("" ::: "memory")
#endif

#ifdef TELEM_LOAD32_RELAXED
#ifndef TELEM_HAS_ATOMIC64
#define TELEM_HAS_ATOMIC64 0
#endif
#else /* the built-in sets */

typedef uint32_t telem_atomic32;

#if defined(__ARM_ARCH_6M__) || (defined(__ARM_ARCH) && __ARM_ARCH == 6 && defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M')
#define TELEM_I_ARMV6M 1
#else
#define TELEM_I_ARMV6M 0
#endif

#if defined(_MSC_VER) && !defined(__clang__)

#include <intrin.h>
#define TELEM_HAS_ATOMIC64 1
typedef uint64_t telem_atomic64;
#if defined(_M_ARM64) || defined(_M_ARM)
#define TELEM_I_HW_FENCE() __dmb(0xB)
#else
#define TELEM_I_HW_FENCE() _ReadWriteBarrier()
#endif
#define TELEM_FENCE_ACQUIRE() TELEM_I_HW_FENCE()
#define TELEM_FENCE_RELEASE() TELEM_I_HW_FENCE()
static __forceinline void telem_i_fence_seq_cst(void) {
    volatile long guard = 0;
    (void)_InterlockedOr(&guard, 0);
    TELEM_I_HW_FENCE();
}
#define TELEM_FENCE_SEQ_CST() telem_i_fence_seq_cst()
#define TELEM_LOAD32_RELAXED(p) (*(const volatile uint32_t *)(p))
#define TELEM_STORE32_RELAXED(p, v) ((void)(*(volatile uint32_t *)(p) = (v)))
#define TELEM_LOAD64_RELAXED(p) (*(const volatile uint64_t *)(p))
#define TELEM_STORE64_RELAXED(p, v) ((void)(*(volatile uint64_t *)(p) = (v)))
static __forceinline uint32_t telem_i_load32_acquire(const volatile uint32_t *p) {
    uint32_t v = *p;
    TELEM_I_HW_FENCE();
    return v;
}
static __forceinline uint64_t telem_i_load64_acquire(const volatile uint64_t *p) {
    uint64_t v = *p;
    TELEM_I_HW_FENCE();
    return v;
}
static __forceinline void telem_i_store32_release(volatile uint32_t *p, uint32_t v) {
    TELEM_I_HW_FENCE();
    *p = v;
}
static __forceinline void telem_i_store64_release(volatile uint64_t *p, uint64_t v) {
    TELEM_I_HW_FENCE();
    *p = v;
}
static __forceinline int telem_i_cas32(volatile uint32_t *p, uint32_t *e, uint32_t d) {
    uint32_t was = (uint32_t)_InterlockedCompareExchange((volatile long *)p, (long)d, (long)*e);
    int ok = was == *e;
    *e = was;
    return ok;
}
static __forceinline int telem_i_cas64(volatile uint64_t *p, uint64_t *e, uint64_t d) {
    uint64_t was = (uint64_t)_InterlockedCompareExchange64((volatile __int64 *)p, (__int64)d, (__int64)*e);
    int ok = was == *e;
    *e = was;
    return ok;
}
#define TELEM_FETCH_ADD32(p, v) ((uint32_t)_InterlockedExchangeAdd((volatile long *)(p), (long)(v)))
#define TELEM_FETCH_ADD64(p, v) ((uint64_t)_InterlockedExchangeAdd64((volatile __int64 *)(p), (__int64)(v)))
#define TELEM_LOAD32_ACQUIRE(p) telem_i_load32_acquire(p)
#define TELEM_LOAD64_ACQUIRE(p) telem_i_load64_acquire(p)
#define TELEM_STORE32_RELEASE(p, v) telem_i_store32_release(p, v)
#define TELEM_STORE64_RELEASE(p, v) telem_i_store64_release(p, v)
#define TELEM_CAS32(p, e, d) telem_i_cas32(p, e, d)
#define TELEM_CAS64(p, e, d) telem_i_cas64(p, e, d)

#elif TELEM_I_ARMV6M || defined(TELEM_SINGLE_CORE)

/* One core. Loads and stores of an aligned word are single instructions; volatile keeps them so.
   With TELEM_SINGLE_CORE a barrier only holds the compiler back. */
#define TELEM_HAS_ATOMIC64 0
#if defined(TELEM_SINGLE_CORE)
#define TELEM_I_BARRIER() __asm__ volatile("" ::: "memory")
#else
#define TELEM_I_BARRIER() __asm__ volatile("dmb" ::: "memory")
#endif
#define TELEM_FENCE_ACQUIRE() TELEM_I_BARRIER()
#define TELEM_FENCE_RELEASE() TELEM_I_BARRIER()
#define TELEM_FENCE_SEQ_CST() TELEM_I_BARRIER()
#define TELEM_LOAD32_RELAXED(p) (*(const volatile uint32_t *)(p))
#define TELEM_STORE32_RELAXED(p, v) ((void)(*(volatile uint32_t *)(p) = (v)))
static inline uint32_t telem_i_load32_acquire(const volatile uint32_t *p) {
    uint32_t v = *p;
    TELEM_I_BARRIER();
    return v;
}
static inline void telem_i_store32_release(volatile uint32_t *p, uint32_t v) {
    TELEM_I_BARRIER();
    *p = v;
}
#if TELEM_I_ARMV6M
static inline uint32_t telem_i_fetch_add32(volatile uint32_t *p, uint32_t v) {
    uint32_t s, was;
    TELEM_CRITICAL_ENTER(s);
    was = *p;
    *p = was + v;
    TELEM_CRITICAL_EXIT(s);
    return was;
}
static inline int telem_i_cas32(volatile uint32_t *p, uint32_t *e, uint32_t d) {
    uint32_t s, was;
    int ok;
    TELEM_CRITICAL_ENTER(s);
    was = *p;
    ok = was == *e;
    if (ok) *p = d;
    TELEM_CRITICAL_EXIT(s);
    *e = was;
    return ok;
}
#define TELEM_FETCH_ADD32(p, v) telem_i_fetch_add32(p, v)
#define TELEM_CAS32(p, e, d) telem_i_cas32(p, e, d)
#else
/* Read-modify-writes must hold against interrupts even on one core. */
static inline uint32_t telem_i_fetch_add32(uint32_t *p, uint32_t v) {
    uint32_t was;
    TELEM_I_BARRIER();
    was = __atomic_fetch_add(p, v, __ATOMIC_RELAXED);
    TELEM_I_BARRIER();
    return was;
}
static inline int telem_i_cas32(uint32_t *p, uint32_t *e, uint32_t d) {
    int ok;
    TELEM_I_BARRIER();
    ok = __atomic_compare_exchange_n(p, e, d, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED) ? 1 : 0;
    TELEM_I_BARRIER();
    return ok;
}
#define TELEM_FETCH_ADD32(p, v) telem_i_fetch_add32(p, v)
#define TELEM_CAS32(p, e, d) telem_i_cas32(p, e, d)
#endif
#define TELEM_LOAD32_ACQUIRE(p) telem_i_load32_acquire(p)
#define TELEM_STORE32_RELEASE(p, v) telem_i_store32_release(p, v)

#elif defined(__GNUC__) || defined(__clang__)

#define TELEM_LOAD32_RELAXED(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define TELEM_LOAD32_ACQUIRE(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define TELEM_STORE32_RELAXED(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define TELEM_STORE32_RELEASE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define TELEM_FETCH_ADD32(p, v) __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL)
#define TELEM_CAS32(p, e, d) \
    (__atomic_compare_exchange_n(p, e, d, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ? 1 : 0)
#define TELEM_FENCE_ACQUIRE() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define TELEM_FENCE_RELEASE() __atomic_thread_fence(__ATOMIC_RELEASE)
#define TELEM_FENCE_SEQ_CST() __atomic_thread_fence(__ATOMIC_SEQ_CST)

#if !defined(TELEM_HAS_ATOMIC64) && defined(__GCC_ATOMIC_LLONG_LOCK_FREE)
#if __GCC_ATOMIC_LLONG_LOCK_FREE == 2
#define TELEM_HAS_ATOMIC64 1
#endif
#endif
#ifndef TELEM_HAS_ATOMIC64
#define TELEM_HAS_ATOMIC64 0
#endif
#if TELEM_HAS_ATOMIC64
typedef uint64_t telem_atomic64;
#define TELEM_LOAD64_RELAXED(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define TELEM_LOAD64_ACQUIRE(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define TELEM_STORE64_RELAXED(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define TELEM_STORE64_RELEASE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define TELEM_FETCH_ADD64(p, v) __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL)
#define TELEM_CAS64(p, e, d) \
    (__atomic_compare_exchange_n(p, e, d, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ? 1 : 0)
#endif

#else
#error "telem: unknown compiler. Define TELEM_LOAD32_RELAXED and the other atomics of telem.h yourself"
#endif
#endif /* the built-in sets */

/* ------------------------------------------------------------------ byte order and varints ---- */

/* Little-endian at any address, on any host; compilers make single moves of them. Any thread, any
   ISR. (gcc for ARM makes them of memcpy only.) */
#if defined(__ARM_FEATURE_UNALIGNED) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline void telem_put16(void *p, uint16_t v) { memcpy(p, &v, sizeof v); }
static inline void telem_put32(void *p, uint32_t v) { memcpy(p, &v, sizeof v); }
static inline uint16_t telem_get16(const void *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint32_t telem_get32(const void *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
#else
static inline void telem_put16(void *p, uint16_t v) {
    uint8_t *b = (uint8_t *)p;
    b[0] = (uint8_t)(v & 0xFFu);
    b[1] = (uint8_t)(v >> 8);
}
static inline void telem_put32(void *p, uint32_t v) {
    uint8_t *b = (uint8_t *)p;
    b[0] = (uint8_t)(v & 0xFFu);
    b[1] = (uint8_t)((v >> 8) & 0xFFu);
    b[2] = (uint8_t)((v >> 16) & 0xFFu);
    b[3] = (uint8_t)(v >> 24);
}
static inline uint16_t telem_get16(const void *p) {
    const uint8_t *b = (const uint8_t *)p;
    return (uint16_t)(b[0] | (uint16_t)((uint16_t)b[1] << 8));
}
static inline uint32_t telem_get32(const void *p) {
    const uint8_t *b = (const uint8_t *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}
#endif
static inline void telem_put64(void *p, uint64_t v) {
    uint8_t *b = (uint8_t *)p;
    telem_put32(b, (uint32_t)(v & 0xFFFFFFFFu));
    telem_put32(b + 4, (uint32_t)(v >> 32));
}
static inline uint64_t telem_get64(const void *p) {
    const uint8_t *b = (const uint8_t *)p;
    return (uint64_t)telem_get32(b) | (uint64_t)telem_get32(b + 4) << 32;
}

/* Zigzag: small magnitudes of either sign become small unsigned numbers (0 -1 1 -2 -> 0 1 2 3). */
static inline uint64_t telem_zigzag(int64_t v) {
    return ((uint64_t)v << 1) ^ (v < 0 ? ~(uint64_t)0 : 0);
}
static inline int64_t telem_unzigzag(uint64_t z) {
    uint64_t u = (z >> 1) ^ ((z & 1) ? ~(uint64_t)0 : 0);
    int64_t v;
    memcpy(&v, &u, sizeof v);
    return v;
}

/* strlen; on small machines without the library's: two ways out of the loop keep compilers from calling it. */
static inline size_t telem_i_length(const char *s) {
#if SIZE_MAX > 0xFFFFFFFFu
    return strlen(s);
#else
    size_t n = 0;
    while (n < UINT32_MAX && s[n]) n++;
    return n;
#endif
}

/* Varints: LEB128, 7 bits a byte, lowest first, high bit = more follow. The shortest form is the
   only legal one. */
#define TELEM_VARINT_MAX 10 /* bytes of the longest 64-bit varint */

/* Writes 1 to TELEM_VARINT_MAX bytes; returns how many. */
TELEM_API size_t telem_varint_put(uint8_t *p, uint64_t v);
/* Bytes that telem_varint_put would write. */
TELEM_API size_t telem_varint_size(uint64_t v);
/* Reads one from at most n bytes. Returns the bytes used (1..10), TELEM_ERR_TRUNCATED when n
   bytes end inside it, TELEM_ERR_CORRUPT for a form that is not the shortest or over 64 bits.
   *v is untouched on failure. */
TELEM_API int telem_varint_get(const uint8_t *p, size_t n, uint64_t *v);

/* -------------------------------------------------------------------------------- clocks ---- */

/* What a clock's zero means. */
typedef enum telem_domain {
    TELEM_DOMAIN_BOOT = 0, /* some moment in the past, e.g. power-on; steady */
    TELEM_DOMAIN_UTC = 1,  /* POSIX time: 1970-01-01 UTC without leap seconds */
    TELEM_DOMAIN_TAI = 2,  /* 1970-01-01 TAI */
    TELEM_DOMAIN_USER = 3  /* the application's own, e.g. a simulation's start */
} telem_domain;

/* A counter: how to read it and what one tick means. Zero fields: 1 GHz (nanoseconds), 64 bits,
   domain BOOT. read() must be safe in every context that stamps records. */
typedef struct telem_clock {
    uint64_t (*read)(void *user); /* NULL: the caller stamps records himself */
    void *user;
    uint64_t hz_num; /* frequency = hz_num / hz_den Hz; 0: 1,000,000,000 */
    uint32_t hz_den; /* 0: 1 */
    uint8_t bits;    /* width of the raw counter, 1..64; 0: 64 */
    uint8_t domain;  /* telem_domain */
} telem_clock;

/* State that extends a narrow counter to int64 ticks. One owner (one context that calls it). */
typedef struct telem_clock_state {
    int64_t last; /* the latest extended value */
    uint8_t bits; /* width of the raw counter, 1..64 */
} telem_clock_state;

/* A reading as it stamps records. A clock of 64 bits, and one that is read; a narrower one: telem_clock_extend. */
static inline int64_t telem_clock_now(const telem_clock *clock) {
    uint64_t now = clock->read(clock->user);
    int64_t ticks;
    memcpy(&ticks, &now, sizeof ticks);
    return ticks;
}
/* Starts at the raw value `raw`; the extended time begins as that value. */
TELEM_API void telem_clock_start(telem_clock_state *s, const telem_clock *clock, uint64_t raw);
/* Extends a raw reading. A raw value up to 1/16 of the range before the latest one counts as a
   step back (an interrupted reader), anything else as progress; state moves forward only. So a
   silence of up to 15/16 of a wrap is bridged; tell of a longer one by telem_clock_sync first. */
TELEM_API int64_t telem_clock_extend(telem_clock_state *s, uint64_t raw);
/* Tells how far time has come by another measure (an RTC, a wake-up timer): `ticks` on the
   extended scale, right within half a wrap. The raw reading taken at the same moment fixes the
   exact value, which is returned. Never moves backwards. */
TELEM_API int64_t telem_clock_sync(telem_clock_state *s, uint64_t raw, int64_t ticks);

/* Ticks of `clock` as nanoseconds, rounded to nearest; saturates at the ends of int64. And back. */
TELEM_API int64_t telem_ticks_to_ns(const telem_clock *clock, int64_t ticks);
TELEM_API int64_t telem_ns_to_ticks(const telem_clock *clock, int64_t ns);
/* a * b / c rounded to nearest (ties away from zero), saturating; c > 0. */
TELEM_API int64_t telem_muldiv(int64_t a, uint64_t b, uint64_t c);

#if !defined(TELEM_NO_POSIX) && (defined(__unix__) || defined(__APPLE__) || defined(_WIN32))
#define TELEM_HAS_SYSTEM 1
/* Nanoseconds since boot (CLOCK_MONOTONIC, QueryPerformanceCounter) and since 1970 UTC. */
TELEM_API telem_clock telem_clock_monotonic(void);
TELEM_API telem_clock telem_clock_utc(void);
#else
#define TELEM_HAS_SYSTEM 0
#endif

/* The processor's own counter: the time stamp counter of x86, CNTVCT of aarch64. One instruction,
   a third of a system clock's cost; not ordered against the instructions around it (by some ns). */
#if (defined(__GNUC__) || defined(__clang__)) && (defined(__x86_64__) || defined(__i386__))
#define TELEM_HAS_TSC 1
static inline uint64_t telem_tsc(void) {
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}
#elif (defined(__GNUC__) || defined(__clang__)) && defined(__aarch64__)
#define TELEM_HAS_TSC 1
static inline uint64_t telem_tsc(void) {
    uint64_t v;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
    return v;
}
#elif defined(_MSC_VER) && defined(_M_X64)
#include <intrin.h>
#define TELEM_HAS_TSC 1
static __forceinline uint64_t telem_tsc(void) { return __rdtsc(); }
#else
#define TELEM_HAS_TSC 0
#endif
#if TELEM_HAS_TSC
/* That counter as a clock, domain BOOT. x86: TELEM_ERR_UNSUPPORTED when it is not invariant (it then
   stops or changes its rate; a virtual machine may hide that it is); its frequency is measured
   against the clock `against` (NULL: CLOCK_MONOTONIC, where there is a system) by spinning for `ms`
   milliseconds (0: 20). The error is about 100 ns / ms: 5 ppm with 20 ms, before what the reference
   is wrong by. aarch64: the frequency is CNTFRQ's and `against` is not used. The clock keeps the
   frequency, and so does what a ring or a file writes: readers need no more. ERR_ARG: no reference. */
TELEM_API telem_result telem_clock_tsc(telem_clock *clock, const telem_clock *against, uint32_t ms);
#endif

/* ------------------------------------------------------------------------------------ io ---- */

/* Where bytes go to and come from. A vtable of your own needs `write` to record and `read` to
   read back; the rest may be NULL, and what needs it then answers UNSUPPORTED or does without.
   Not thread-safe by itself: one caller at a time. */
typedef struct telem_io {
    void *user;
    /* Up to n bytes at the position; returns how many (> 0), 0 at the end, or a code: TELEM_AGAIN
       when nothing is there yet. */
    int64_t (*read)(void *user, void *buf, size_t n);
    /* Up to n bytes at the position; returns how many were taken (may be fewer), or a code. */
    int64_t (*write)(void *user, const void *buf, size_t n);
    telem_result (*seek)(void *user, uint64_t pos);     /* absolute; NULL: a pipe, a UART */
    telem_result (*sync)(void *user);                   /* data is on the medium on return */
    int64_t (*size)(void *user);                        /* bytes now, or a code */
    /* optional */
    telem_result (*truncate)(void *user, uint64_t size);
    telem_result (*allocate)(void *user, uint64_t pos, uint64_t n); /* blocks reserved, zeros */
    void *(*map)(void *user, uint64_t pos, size_t n, int writable); /* NULL: cannot */
    telem_result (*unmap)(void *user, void *ptr, size_t n);
    uint32_t block_size; /* writes are whole multiples of this many bytes; 0: any size */
    telem_result (*sync_map)(void *user, void *ptr, size_t n); /* these bytes of a map are on the medium on return */
    telem_result (*lock)(void *user, int on); /* on: the one writer of a file; TELEM_ERR_BUSY when there is another.
                                                 Ends with the process; readers need none */
} telem_io;

/* Writes all n bytes (loops over short writes). TELEM_OK or the first error; a write that takes
   nothing is TELEM_ERR_IO. */
TELEM_API telem_result telem_io_write_all(telem_io *io, const void *buf, size_t n);
/* Reads until n bytes are there or the end; returns the bytes read or a code. */
TELEM_API int64_t telem_io_read_all(telem_io *io, void *buf, size_t n);

/* Memory of the caller as a file: reads and writes share one position. Full is TELEM_ERR_SPACE
   (after a short write of what fits). */
typedef struct telem_memory_io {
    uint8_t *data;
    size_t size;     /* bytes that hold data */
    size_t capacity; /* bytes there are */
    size_t pos;
    uint8_t read_only;
} telem_memory_io;

/* Empty, for writing and reading back. `state` and `data` must outlive the io. */
TELEM_API telem_io telem_io_memory(telem_memory_io *state, void *data, size_t capacity);
/* Over `size` bytes that are there; writing is refused with TELEM_ERR_ACCESS. */
TELEM_API telem_io telem_io_memory_view(telem_memory_io *state, const void *data, size_t size);

#if !defined(TELEM_NO_STDIO)
/* Over a FILE * (passed as void *, so that <stdio.h> is not needed here). Stays the caller's to
   close. sync flushes to the OS, no further. */
TELEM_API telem_io telem_io_stdio(void *file);
#endif
#if TELEM_HAS_SYSTEM
/* Over an open file descriptor (file, pipe, socket, tty); stays the caller's to close. A pipe
   that is non-blocking answers TELEM_AGAIN. On Windows open it with O_BINARY. sync of a file that was
   removed since this call answers TELEM_ERR_IO: nobody will find what is written to it. */
TELEM_API telem_io telem_io_fd(int fd);
#endif

/* ------------------------------------------------------------------------------- filters ---- */

/* A predicate over records, taken alike by ring, file and shared memory: non-zero keeps the
   record. Called on stable bytes; must not block. */
typedef int (*telem_filter)(void *user, uint32_t stream, int64_t time, const void *rec, uint32_t len);

#endif /* TELEM_H */

/* ---- Stop here if you only use the API. ------------------------------------------------------ */

#if defined(TELEM_IMPLEMENTATION) && !defined(TELEM_H_IMPLEMENTATION)
#define TELEM_H_IMPLEMENTATION

/* >>results */

/* One string with all of them: a linker leaves out an array that nobody uses, but no single string. */
#define TELEM_I_CODE(name, value, text, cause) value,
#define TELEM_I_NAME(name, value, text, cause) #name "\0"
#define TELEM_I_TEXT(name, value, text, cause) text "\0"
#define TELEM_I_CAUSE(name, value, text, cause) cause "\0"
static const char *telem_i_result_word(const char *words, telem_result r) {
    static const signed char codes[] = {TELEM_RESULTS(TELEM_I_CODE)};
    size_t i;
    for (i = 0; i < sizeof codes; i++, words += telem_i_length(words) + 1)
        if (codes[i] == (int)r) return words;
    return "unknown result";
}
TELEM_API const char *telem_result_name(telem_result r) {
    static const char words[] = TELEM_RESULTS(TELEM_I_NAME);
    return telem_i_result_word(words, r);
}
TELEM_API const char *telem_result_text(telem_result r) {
    static const char words[] = TELEM_RESULTS(TELEM_I_TEXT);
    return telem_i_result_word(words, r);
}
TELEM_API const char *telem_result_cause(telem_result r) {
    static const char words[] = TELEM_RESULTS(TELEM_I_CAUSE);
    return telem_i_result_word(words, r);
}
#undef TELEM_I_CODE
#undef TELEM_I_NAME
#undef TELEM_I_TEXT
#undef TELEM_I_CAUSE

/* >>varints */

TELEM_API size_t telem_varint_put(uint8_t *p, uint64_t v) {
    size_t n = 0;
    while (v > 0x7Fu) {
        p[n++] = (uint8_t)((v & 0x7Fu) | 0x80u);
        v >>= 7;
    }
    p[n++] = (uint8_t)v;
    return n;
}

TELEM_API size_t telem_varint_size(uint64_t v) {
    size_t n = 1;
    while (v > 0x7Fu) {
        v >>= 7;
        n++;
    }
    return n;
}

TELEM_API int telem_varint_get(const uint8_t *p, size_t n, uint64_t *v) {
    uint64_t value = 0;
    size_t i;
    for (i = 0; i < n && i < TELEM_VARINT_MAX; i++) {
        uint64_t bits = p[i] & 0x7Fu;
        if (i == TELEM_VARINT_MAX - 1 && p[i] > 1) return TELEM_ERR_CORRUPT; /* over 64 bits */
        value |= bits << (7 * i);
        if (p[i] & 0x80u) continue;
        if (i > 0 && bits == 0) return TELEM_ERR_CORRUPT; /* a shorter form exists */
        *v = value;
        return (int)i + 1;
    }
    return TELEM_ERR_TRUNCATED;
}

/* >>clocks */

static uint64_t telem_i_clock_mask(unsigned bits) {
    return bits >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << bits) - 1;
}

/* Two's complement, without the implementation-defined conversion. */
static int64_t telem_i_signed(uint64_t u) {
    int64_t v;
    memcpy(&v, &u, sizeof v);
    return v;
}

TELEM_API void telem_clock_start(telem_clock_state *s, const telem_clock *clock, uint64_t raw) {
    unsigned bits = clock->bits == 0 || clock->bits > 64 ? 64u : clock->bits;
    s->bits = (uint8_t)bits;
    s->last = telem_i_signed(raw & telem_i_clock_mask(bits));
}

TELEM_API int64_t telem_clock_extend(telem_clock_state *s, uint64_t raw) {
    uint64_t mask = telem_i_clock_mask(s->bits);
    uint64_t ahead = (raw - (uint64_t)s->last) & mask;
    if (ahead > mask - (mask >> 4)) return telem_i_signed((uint64_t)s->last - (mask - ahead) - 1);
    s->last = telem_i_signed((uint64_t)s->last + ahead);
    return s->last;
}

TELEM_API int64_t telem_clock_sync(telem_clock_state *s, uint64_t raw, int64_t ticks) {
    uint64_t mask = telem_i_clock_mask(s->bits);
    uint64_t half = (mask >> 1) + 1;
    uint64_t base = (uint64_t)ticks - half; /* the window of one wrap around `ticks` */
    int64_t exact = telem_i_signed(base + ((raw - base) & mask));
    if (s->bits >= 64) exact = telem_i_signed(raw);
    if (exact > s->last) s->last = exact;
    return s->last;
}

/* 64 x 64 -> 128 bits by halves; no compiler's 128-bit type is needed. */
static void telem_i_mul128(uint64_t a, uint64_t b, uint64_t *hi, uint64_t *lo) {
    uint64_t al = a & 0xFFFFFFFFu, ah = a >> 32, bl = b & 0xFFFFFFFFu, bh = b >> 32;
    uint64_t ll = al * bl, lh = al * bh, hl = ah * bl, hh = ah * bh;
    uint64_t mid = (ll >> 32) + (lh & 0xFFFFFFFFu) + (hl & 0xFFFFFFFFu);
    *lo = (ll & 0xFFFFFFFFu) | mid << 32;
    *hi = hh + (lh >> 32) + (hl >> 32) + (mid >> 32);
}

TELEM_API int64_t telem_muldiv(int64_t a, uint64_t b, uint64_t c) {
    uint64_t mag = a < 0 ? (uint64_t)0 - (uint64_t)a : (uint64_t)a;
    uint64_t limit = (uint64_t)INT64_MAX + (a < 0 ? 1u : 0u);
    uint64_t hi, lo, q = 0, rem;
    int i;
    telem_i_mul128(mag, b, &hi, &lo);
#if UINTPTR_MAX > 0xFFFFFFFFu /* elsewhere a 64-bit division is a library's, and no faster than the loop is small */
    if (hi == 0) {
        q = lo / c;
        rem = lo % c;
    } else
#endif
    {
        if (hi >= c) return a < 0 ? INT64_MIN : INT64_MAX;
        for (rem = hi, i = 63; i >= 0; i--) { /* long division, a bit at a time */
            uint64_t carry = rem >> 63;
            rem = rem << 1 | ((lo >> i) & 1);
            q <<= 1;
            if (carry || rem >= c) {
                rem -= c;
                q |= 1;
            }
        }
    }
    if (rem >= c - rem && q != UINT64_MAX) q++; /* half or more rounds away from zero */
    if (q > limit) q = limit;
    return telem_i_signed(a < 0 ? (uint64_t)0 - q : q);
}

static uint64_t telem_i_hz_num(const telem_clock *c) { return c->hz_num ? c->hz_num : 1000000000u; }
static uint64_t telem_i_hz_den(const telem_clock *c) { return c->hz_den ? c->hz_den : 1u; }

/* ns = ticks * (1e9 * den) / num. 1e9 * den fits: den is 32 bits wide. */
TELEM_API int64_t telem_ticks_to_ns(const telem_clock *clock, int64_t ticks) {
    uint64_t scale = telem_i_hz_den(clock) * 1000000000u;
    if (scale == telem_i_hz_num(clock)) return ticks;
    return telem_muldiv(ticks, scale, telem_i_hz_num(clock));
}
TELEM_API int64_t telem_ns_to_ticks(const telem_clock *clock, int64_t ns) {
    uint64_t scale = telem_i_hz_den(clock) * 1000000000u;
    if (scale == telem_i_hz_num(clock)) return ns;
    return telem_muldiv(ns, telem_i_hz_num(clock), scale);
}

#if TELEM_HAS_TSC
static uint64_t telem_i_tsc_read(void *user) {
    (void)user;
    return telem_tsc();
}
#if defined(__aarch64__)
TELEM_API telem_result telem_clock_tsc(telem_clock *clock, const telem_clock *against, uint32_t ms) {
    telem_clock c = TELEM_ZERO;
    (void)against;
    (void)ms;
    if (!clock) return TELEM_ERR_ARG;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(c.hz_num));
    if (c.hz_num == 0) return TELEM_ERR_UNSUPPORTED; /* the firmware did not set it */
    c.read = telem_i_tsc_read;
    *clock = c;
    return TELEM_OK;
}
#else
/* CPUID 0x80000007, EDX bit 8. */
static int telem_i_tsc_invariant(void) {
#if defined(_MSC_VER) && !defined(__clang__)
    int r[4];
    __cpuid(r, (int)0x80000000u);
    if ((unsigned)r[0] < 0x80000007u) return 0;
    __cpuid(r, (int)0x80000007u);
    return (r[3] >> 8) & 1;
#else
    uint32_t a = 0x80000000u, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (a < 0x80000007u) return 0;
    a = 0x80000007u, c = 0;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (int)((d >> 8) & 1u);
#endif
}

/* Both counters at one moment: of eight looks the one that took the least time. */
static void telem_i_tsc_pair(const telem_clock *c, uint64_t *tsc, uint64_t *ref) {
    uint64_t best = ~(uint64_t)0;
    int i;
    for (i = 0; i < 8; i++) {
        uint64_t before = telem_tsc(), v = c->read(c->user), took = telem_tsc() - before;
        if (took >= best) continue;
        best = took;
        *tsc = before + took / 2u;
        *ref = v;
    }
}

TELEM_API telem_result telem_clock_tsc(telem_clock *clock, const telem_clock *against, uint32_t ms) {
    telem_clock c = TELEM_ZERO, ref = TELEM_ZERO;
    telem_clock_state wide; /* the reference may wrap meanwhile */
    uint64_t tsc0 = 0, ref0 = 0, tsc1 = 0, ref1 = 0;
    int64_t ns, first;
    if (!clock) return TELEM_ERR_ARG;
#if TELEM_HAS_SYSTEM
    if (!against) ref = telem_clock_monotonic();
#endif
    if (against) ref = *against;
    if (!ref.read) return TELEM_ERR_ARG;
    if (!telem_i_tsc_invariant()) return TELEM_ERR_UNSUPPORTED;
    telem_i_tsc_pair(&ref, &tsc0, &ref0);
    telem_clock_start(&wide, &ref, ref0);
    first = wide.last;
    do {
        telem_i_tsc_pair(&ref, &tsc1, &ref1);
        ns = telem_ticks_to_ns(&ref, telem_clock_extend(&wide, ref1) - first);
        if (tsc1 - tsc0 > (uint64_t)(ms ? ms : 20u) * 100000000u) return TELEM_ERR_ARG; /* the reference stands still */
    } while (ns < (int64_t)(ms ? ms : 20u) * 1000000);
    c.read = telem_i_tsc_read;
    c.hz_num = (uint64_t)telem_muldiv(telem_i_signed(tsc1 - tsc0), 1000000000u, (uint64_t)ns);
    *clock = c;
    return TELEM_OK;
}
#endif
#endif /* TELEM_HAS_TSC */

/* >>io */

TELEM_API telem_result telem_io_write_all(telem_io *io, const void *buf, size_t n) {
    const uint8_t *p = (const uint8_t *)buf;
    while (n > 0) {
        int64_t took = io->write(io->user, p, n);
        if (took < 0) return (telem_result)took;
        if (took == 0 || (uint64_t)took > n) return TELEM_ERR_IO;
        p += (size_t)took;
        n -= (size_t)took;
    }
    return TELEM_OK;
}

TELEM_API int64_t telem_io_read_all(telem_io *io, void *buf, size_t n) {
    uint8_t *p = (uint8_t *)buf;
    size_t have = 0;
    while (have < n) {
        int64_t got = io->read(io->user, p + have, n - have);
        if (got < 0) return have > 0 && got == TELEM_AGAIN ? (int64_t)have : got;
        if (got == 0) break;
        if ((uint64_t)got > n - have) return TELEM_ERR_IO;
        have += (size_t)got;
    }
    return (int64_t)have;
}

static int64_t telem_i_memory_read(void *user, void *buf, size_t n) {
    telem_memory_io *m = (telem_memory_io *)user;
    size_t left = m->pos < m->size ? m->size - m->pos : 0;
    if (n > left) n = left;
    if (n > 0) memcpy(buf, m->data + m->pos, n);
    m->pos += n;
    return (int64_t)n;
}

static int64_t telem_i_memory_write(void *user, const void *buf, size_t n) {
    telem_memory_io *m = (telem_memory_io *)user;
    size_t left = m->pos < m->capacity ? m->capacity - m->pos : 0;
    if (m->read_only) return TELEM_ERR_ACCESS;
    if (n == 0) return 0;
    if (left == 0) return TELEM_ERR_SPACE;
    if (n > left) n = left;
    if (m->pos > m->size) memset(m->data + m->size, 0, m->pos - m->size); /* a hole reads as zeros */
    memcpy(m->data + m->pos, buf, n);
    m->pos += n;
    if (m->pos > m->size) m->size = m->pos;
    return (int64_t)n;
}

static telem_result telem_i_memory_seek(void *user, uint64_t pos) {
    telem_memory_io *m = (telem_memory_io *)user;
    if (pos > m->capacity) return TELEM_ERR_ARG;
    m->pos = (size_t)pos;
    return TELEM_OK;
}

static telem_result telem_i_memory_sync(void *user) {
    (void)user;
    return TELEM_OK;
}

static int64_t telem_i_memory_size(void *user) {
    return (int64_t)((telem_memory_io *)user)->size;
}

static telem_result telem_i_memory_truncate(void *user, uint64_t size) {
    telem_memory_io *m = (telem_memory_io *)user;
    if (m->read_only) return TELEM_ERR_ACCESS;
    if (size > m->capacity) return TELEM_ERR_SPACE;
    if (size > m->size) memset(m->data + m->size, 0, (size_t)size - m->size);
    m->size = (size_t)size;
    return TELEM_OK;
}

static telem_result telem_i_memory_allocate(void *user, uint64_t pos, uint64_t n) {
    telem_memory_io *m = (telem_memory_io *)user;
    if (pos > m->capacity || n > m->capacity - pos) return TELEM_ERR_SPACE;
    return pos + n > m->size ? telem_i_memory_truncate(user, pos + n) : TELEM_OK;
}

static void *telem_i_memory_map(void *user, uint64_t pos, size_t n, int writable) {
    telem_memory_io *m = (telem_memory_io *)user;
    if ((writable && m->read_only) || pos > m->size || n > m->size - pos) return NULL;
    return m->data + pos;
}

static telem_result telem_i_memory_unmap(void *user, void *ptr, size_t n) {
    (void)user;
    (void)ptr;
    (void)n;
    return TELEM_OK;
}

static telem_result telem_i_memory_sync_map(void *user, void *ptr, size_t n) { return telem_i_memory_unmap(user, ptr, n); }

TELEM_API telem_io telem_io_memory(telem_memory_io *state, void *data, size_t capacity) {
    telem_io io = TELEM_ZERO;
    memset(state, 0, sizeof *state);
    state->data = (uint8_t *)data;
    state->capacity = capacity;
    io.user = state;
    io.read = telem_i_memory_read;
    io.write = telem_i_memory_write;
    io.seek = telem_i_memory_seek;
    io.sync = telem_i_memory_sync;
    io.size = telem_i_memory_size;
    io.truncate = telem_i_memory_truncate;
    io.allocate = telem_i_memory_allocate;
    io.map = telem_i_memory_map;
    io.unmap = telem_i_memory_unmap;
    io.sync_map = telem_i_memory_sync_map;
    return io;
}

TELEM_API telem_io telem_io_memory_view(telem_memory_io *state, const void *data, size_t size) {
    /* read_only keeps every path from writing through this pointer */
    union {
        const void *from;
        void *to;
    } same;
    telem_io io;
    same.from = data;
    io = telem_io_memory(state, same.to, size);
    state->size = size;
    state->read_only = 1;
    return io;
}

#if TELEM_HAS_SYSTEM || !defined(TELEM_NO_STDIO)
#include <errno.h>
static telem_result telem_i_errno_result(int e) {
    if (e == EAGAIN) return TELEM_AGAIN;
    if (e == ENOSPC || e == EFBIG) return TELEM_ERR_SPACE;
#ifdef EDQUOT
    if (e == EDQUOT) return TELEM_ERR_SPACE;
#endif
    if (e == EACCES || e == EPERM || e == EROFS || e == EBADF) return TELEM_ERR_ACCESS;
    return TELEM_ERR_IO;
}
#endif

#if !defined(TELEM_NO_STDIO)
#include <limits.h>
#include <stdio.h>

static int64_t telem_i_stdio_read(void *user, void *buf, size_t n) {
    FILE *f = (FILE *)user;
    size_t got = fread(buf, 1, n, f);
    if (got == 0 && n > 0 && ferror(f)) return TELEM_ERR_IO;
    return (int64_t)got;
}

static int64_t telem_i_stdio_write(void *user, const void *buf, size_t n) {
    size_t took;
    errno = 0;
    took = fwrite(buf, 1, n, (FILE *)user);
    if (took == 0 && n > 0) return telem_i_errno_result(errno);
    return (int64_t)took;
}

/* Plain C seeks by long; larger files want telem_io_fd. */
static telem_result telem_i_stdio_seek(void *user, uint64_t pos) {
    if (pos > (uint64_t)LONG_MAX) return TELEM_ERR_UNSUPPORTED;
    return fseek((FILE *)user, (long)pos, SEEK_SET) == 0 ? TELEM_OK : TELEM_ERR_IO;
}

static telem_result telem_i_stdio_sync(void *user) {
    errno = 0;
    return fflush((FILE *)user) == 0 ? TELEM_OK : telem_i_errno_result(errno);
}

static int64_t telem_i_stdio_size(void *user) {
    FILE *f = (FILE *)user;
    long at = ftell(f), end;
    if (at < 0 || fseek(f, 0, SEEK_END) != 0) return TELEM_ERR_IO;
    end = ftell(f);
    if (fseek(f, at, SEEK_SET) != 0 || end < 0) return TELEM_ERR_IO;
    return end;
}

TELEM_API telem_io telem_io_stdio(void *file) {
    telem_io io = TELEM_ZERO;
    io.user = file;
    io.read = telem_i_stdio_read;
    io.write = telem_i_stdio_write;
    io.seek = telem_i_stdio_seek;
    io.sync = telem_i_stdio_sync;
    io.size = telem_i_stdio_size;
    return io;
}
#endif /* TELEM_NO_STDIO */

/* >>system */

/* 1: parts that call the system are compiled, in all headers; else the one #error below says what is missing. */
#if !TELEM_HAS_SYSTEM
#define TELEM_I_SYSTEM 0
#elif defined(__linux__) && defined(__STRICT_ANSI__) && !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE) && \
    !defined(_DEFAULT_SOURCE)
#define TELEM_I_SYSTEM 0
#error "telem: define _POSIX_C_SOURCE as 200809L before the first system header of the file that holds TELEM_IMPLEMENTATION (or build with -std=gnu99, or define TELEM_NO_POSIX)"
#else
#define TELEM_I_SYSTEM 1
#endif

#if TELEM_I_SYSTEM
#if defined(_WIN32)
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <io.h>
#include <windows.h>

static uint64_t telem_i_monotonic_ns(void *user) {
    LARGE_INTEGER hz, now;
    (void)user;
    QueryPerformanceFrequency(&hz);
    QueryPerformanceCounter(&now);
    return (uint64_t)telem_muldiv(now.QuadPart, 1000000000u, (uint64_t)hz.QuadPart);
}

static uint64_t telem_i_utc_ns(void *user) {
    FILETIME ft; /* 100 ns since 1601 */
    uint64_t t;
    (void)user;
    GetSystemTimeAsFileTime(&ft);
    t = (uint64_t)ft.dwHighDateTime << 32 | ft.dwLowDateTime;
    return (t - 116444736000000000u) * 100u;
}

/* Some runtimes remember that they met the end until the next seek; the file may have grown since. */
static int telem_i_sys_read(int fd, void *p, size_t n) {
    int got = _read(fd, p, (unsigned)n);
    if (got == 0) (void)_lseeki64(fd, 0, SEEK_CUR);
    return got;
}
#define telem_i_sys_write(fd, p, n) _write(fd, p, (unsigned)(n))
#define telem_i_sys_seek(fd, pos, whence) _lseeki64(fd, pos, whence)
#define telem_i_sys_sync(fd) _commit(fd)
#define telem_i_sys_truncate(fd, n) (_chsize_s(fd, n) == 0 ? 0 : -1)

#else /* POSIX */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static uint64_t telem_i_timespec_ns(clockid_t id) {
    struct timespec t;
    if (clock_gettime(id, &t) != 0) return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static uint64_t telem_i_monotonic_ns(void *user) {
    (void)user;
    return telem_i_timespec_ns(CLOCK_MONOTONIC);
}
static uint64_t telem_i_utc_ns(void *user) {
    (void)user;
    return telem_i_timespec_ns(CLOCK_REALTIME);
}

#define telem_i_sys_read(fd, p, n) read(fd, p, n)
#define telem_i_sys_write(fd, p, n) write(fd, p, n)
#define telem_i_sys_seek(fd, pos, whence) lseek(fd, (off_t)(pos), whence)
#define telem_i_sys_sync(fd) fsync(fd)
#define telem_i_sys_truncate(fd, n) ftruncate(fd, (off_t)(n))
#endif

TELEM_API telem_clock telem_clock_monotonic(void) {
    telem_clock c = TELEM_ZERO;
    c.read = telem_i_monotonic_ns;
    return c;
}
TELEM_API telem_clock telem_clock_utc(void) {
    telem_clock c = TELEM_ZERO;
    c.read = telem_i_utc_ns;
    c.domain = TELEM_DOMAIN_UTC;
    return c;
}

#define TELEM_I_IO_CHUNK ((size_t)1 << 30) /* below every system's limit of one call */

static int telem_i_fd(void *user) { return (int)(intptr_t)user; }

static int64_t telem_i_fd_read(void *user, void *buf, size_t n) {
    for (;;) {
        int64_t got = telem_i_sys_read(telem_i_fd(user), buf, n < TELEM_I_IO_CHUNK ? n : TELEM_I_IO_CHUNK);
        if (got >= 0) return got;
        if (errno != EINTR) return telem_i_errno_result(errno);
    }
}

static int64_t telem_i_fd_write(void *user, const void *buf, size_t n) {
    for (;;) {
        int64_t took = telem_i_sys_write(telem_i_fd(user), buf, n < TELEM_I_IO_CHUNK ? n : TELEM_I_IO_CHUNK);
        if (took >= 0) return took;
        if (errno != EINTR) return telem_i_errno_result(errno);
    }
}

static telem_result telem_i_fd_seek(void *user, uint64_t pos) {
    if (pos > (uint64_t)INT64_MAX) return TELEM_ERR_ARG;
    return telem_i_sys_seek(telem_i_fd(user), (int64_t)pos, SEEK_SET) < 0 ? TELEM_ERR_IO : TELEM_OK;
}

static telem_result telem_i_fd_sync(void *user) {
    if (telem_i_sys_sync(telem_i_fd(user)) == 0) return TELEM_OK;
    if (errno == EINVAL || errno == EBADF) return TELEM_OK; /* a pipe has nothing to sync */
    return telem_i_errno_result(errno);
}
#if !defined(_WIN32)
/* Does a name lead to it? Temporary files never had one. */
static int telem_i_fd_is_named(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink > 0;
}
static telem_result telem_i_fd_sync_named(void *user) {
    return telem_i_fd_is_named(telem_i_fd(user)) ? telem_i_fd_sync(user) : TELEM_ERR_IO;
}
#endif

static int64_t telem_i_fd_size(void *user) {
    int64_t at = (int64_t)telem_i_sys_seek(telem_i_fd(user), 0, SEEK_CUR), end;
    if (at < 0) return TELEM_ERR_UNSUPPORTED;
    end = (int64_t)telem_i_sys_seek(telem_i_fd(user), 0, SEEK_END);
    if (end < 0 || telem_i_sys_seek(telem_i_fd(user), at, SEEK_SET) < 0) return TELEM_ERR_IO;
    return end;
}

static telem_result telem_i_fd_truncate(void *user, uint64_t size) {
    if (size > (uint64_t)INT64_MAX) return TELEM_ERR_ARG;
    return telem_i_sys_truncate(telem_i_fd(user), (int64_t)size) == 0 ? TELEM_OK : telem_i_errno_result(errno);
}

#define TELEM_I_IO_LOCK ((uint64_t)1 << 62) /* the byte that the one writer holds: far behind all data */

#if defined(_WIN32)
static HANDLE telem_i_fd_handle(void *user) { return (HANDLE)_get_osfhandle(telem_i_fd(user)); }

static telem_result telem_i_fd_allocate(void *user, uint64_t pos, uint64_t n) {
    int64_t size = telem_i_fd_size(user);
    if (size < 0) return TELEM_ERR_IO;
    if (pos > (uint64_t)INT64_MAX || n > (uint64_t)INT64_MAX - pos) return TELEM_ERR_ARG;
    return (uint64_t)size >= pos + n ? TELEM_OK : telem_i_fd_truncate(user, pos + n); /* fills up with zeros */
}

/* From byte 0 on only: elsewhere a map begins at a multiple of 64 KiB. */
static void *telem_i_fd_map(void *user, uint64_t pos, size_t n, int writable) {
    HANDLE section;
    void *p;
    if (pos != 0 || n == 0) return NULL;
    section = CreateFileMappingA(telem_i_fd_handle(user), NULL, writable ? PAGE_READWRITE : PAGE_READONLY, 0, 0, NULL);
    if (!section) return NULL;
    p = MapViewOfFile(section, writable ? FILE_MAP_WRITE : FILE_MAP_READ, 0, 0, n);
    (void)CloseHandle(section); /* the view keeps it */
    return p;
}

static telem_result telem_i_fd_unmap(void *user, void *ptr, size_t n) {
    (void)user, (void)n;
    return UnmapViewOfFile(ptr) ? TELEM_OK : TELEM_ERR_ARG;
}

static telem_result telem_i_fd_sync_map(void *user, void *ptr, size_t n) {
    return FlushViewOfFile(ptr, n) && FlushFileBuffers(telem_i_fd_handle(user)) ? TELEM_OK : TELEM_ERR_IO;
}

static telem_result telem_i_fd_lock(void *user, int on) {
    OVERLAPPED o;
    memset(&o, 0, sizeof o);
    o.Offset = (DWORD)(TELEM_I_IO_LOCK & 0xFFFFFFFFu);
    o.OffsetHigh = (DWORD)(TELEM_I_IO_LOCK >> 32);
    if (!on) return UnlockFileEx(telem_i_fd_handle(user), 0, 1, 0, &o) ? TELEM_OK : TELEM_ERR_STATE;
    if (LockFileEx(telem_i_fd_handle(user), LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &o)) return TELEM_OK;
    return GetLastError() == ERROR_LOCK_VIOLATION || GetLastError() == ERROR_IO_PENDING ? TELEM_ERR_BUSY : TELEM_ERR_UNSUPPORTED;
}
#else
static telem_result telem_i_fd_allocate(void *user, uint64_t pos, uint64_t n) {
    int e;
    if (pos > (uint64_t)INT64_MAX || n > (uint64_t)INT64_MAX - pos) return TELEM_ERR_ARG;
    e = posix_fallocate(telem_i_fd(user), (off_t)pos, (off_t)n);
    if (e == 0) return TELEM_OK;
    return e == EOPNOTSUPP || e == EINVAL ? TELEM_ERR_UNSUPPORTED : telem_i_errno_result(e);
}

static void *telem_i_fd_map(void *user, uint64_t pos, size_t n, int writable) {
    void *p;
    if (pos > (uint64_t)INT64_MAX || n == 0) return NULL;
    p = mmap(NULL, n, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, telem_i_fd(user), (off_t)pos);
    return p == MAP_FAILED ? NULL : p;
}

static telem_result telem_i_fd_unmap(void *user, void *ptr, size_t n) {
    (void)user;
    return munmap(ptr, n) == 0 ? TELEM_OK : TELEM_ERR_ARG;
}

static telem_result telem_i_fd_sync_map(void *user, void *ptr, size_t n) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)ptr & ~(page - 1u);
    (void)user;
    return msync((uint8_t *)ptr - ((uintptr_t)ptr - from), n + ((uintptr_t)ptr - from), MS_SYNC) == 0 ? TELEM_OK : telem_i_errno_result(errno);
}

/* Linux: a lock of the open file, which goes with the last descriptor of it; elsewhere of the process. */
static telem_result telem_i_fd_lock(void *user, int on) {
    struct flock l;
    int e;
    memset(&l, 0, sizeof l);
    l.l_type = (short)(on ? F_WRLCK : F_UNLCK);
    l.l_whence = SEEK_SET;
    l.l_start = (off_t)(sizeof(off_t) > 4 ? TELEM_I_IO_LOCK : (uint64_t)1 << 30);
    l.l_len = 1;
#if defined(__linux__)
    e = fcntl(telem_i_fd(user), 37, &l); /* F_OFD_SETLK, which strict C hides */
    if (e < 0 && errno == EINVAL) e = fcntl(telem_i_fd(user), F_SETLK, &l);
#else
    e = fcntl(telem_i_fd(user), F_SETLK, &l);
#endif
    if (e == 0) return TELEM_OK;
    return errno == EAGAIN || errno == EACCES ? TELEM_ERR_BUSY : TELEM_ERR_UNSUPPORTED;
}
#endif

TELEM_API telem_io telem_io_fd(int fd) {
    telem_io io = TELEM_ZERO;
    io.user = (void *)(intptr_t)fd;
    io.read = telem_i_fd_read;
    io.write = telem_i_fd_write;
    io.sync = telem_i_fd_sync;
#if !defined(_WIN32)
    if (telem_i_fd_is_named(fd)) io.sync = telem_i_fd_sync_named;
#endif
    if (telem_i_sys_seek(fd, 0, SEEK_CUR) >= 0) { /* a pipe, socket or tty has no position */
        io.seek = telem_i_fd_seek;
        io.size = telem_i_fd_size;
        io.truncate = telem_i_fd_truncate;
        io.allocate = telem_i_fd_allocate;
        io.map = telem_i_fd_map;
        io.unmap = telem_i_fd_unmap;
        io.sync_map = telem_i_fd_sync_map;
        io.lock = telem_i_fd_lock;
    }
    return io;
}
#endif /* TELEM_HAS_SYSTEM */

#endif /* TELEM_IMPLEMENTATION */

/*  MIT License

    Copyright (c) 2026 the telem authors

    Permission is hereby granted, free of charge, to any person obtaining a copy of this software
    and associated documentation files (the "Software"), to deal in the Software without
    restriction, including without limitation the rights to use, copy, modify, merge, publish,
    distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
    Software is furnished to do so, subject to the following conditions:

    The above copyright notice and this permission notice shall be included in all copies or
    substantial portions of the Software.

    THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING
    BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
    NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
    DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
    OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE. */
