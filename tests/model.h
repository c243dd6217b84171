/* model.h - the atomics of telem.h on the model checker relacy (Debian: relacy-dev), so that a
   model_*.cc runs the same source that users compile, under every order that C11 allows.

   Shared words are found by their address: model_memory is ordinary memory to the header, and each
   word of it has a modelled twin. Wide (TELEM_HAS_ATOMIC64 1) or narrow, as for any other atomics.

   Each macro in the header's text is a SITE. One of them can be weakened by name while the program
   runs (model_weak): the table at the end of model_ring.cc does that with every one of them. */
#ifndef MODEL_H
#define MODEL_H
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <relacy/relacy.hpp>
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno
#undef VAR
#undef $

#ifndef MODEL_WIDE
#define MODEL_WIDE 1
#endif
#ifndef MODEL_BYTES
#define MODEL_BYTES 4096
#endif

/* ---- sites ---- */

enum { /* what can be taken from a site; LOST of a read-modify-write: another may come between */
    MODEL_KEEP, MODEL_RELAXED, MODEL_LOST, MODEL_NO_FENCE, MODEL_ACQ_REL_FENCE
};
static const char *const model_weak_names[] = {"", "relaxed", "not atomic", "no fence", "not seq_cst"};
enum { MODEL_LOAD, MODEL_STORE, MODEL_CAS, MODEL_ADD, MODEL_ACQUIRE, MODEL_RELEASE, MODEL_SEQ_CST };

struct model_site {
    int line, kind;
    const char *function;
    uint64_t hits;
};
#define MODEL_SITES 512
static model_site *model_sites; /* shared by the processes of a run */
static int model_weak_site = -1, model_weak_line = -1, model_weak = MODEL_KEEP;

static int model_at(int id, int line, int kind, const char *function) {
    model_site *s = &model_sites[id];
    s->line = line, s->kind = kind, s->function = function;
    s->hits++;
    return id == model_weak_site || line == model_weak_line ? model_weak : MODEL_KEEP;
}
#define MODEL_AT(kind) model_at(__COUNTER__, __LINE__, kind, __FUNCTION__)

/* ---- modelled memory ---- */

static uint64_t model_memory[MODEL_BYTES / 8];
static uint8_t model_kind[MODEL_BYTES / 8]; /* widths in use: 4, 8; learned, the same in all runs */
static size_t model_used;                   /* bytes that have twins */
static bool model_on;                       /* off: plain accesses, one thread */
static unsigned model_rate;                 /* a switch of threads every so many accesses; 0: always possible */

typedef rl::atomic<uint32_t> model_atomic32;
typedef rl::atomic<uint64_t> model_atomic64;
static struct {
    alignas(16) char wide[sizeof(model_atomic64)];
    alignas(16) char half[2][sizeof(model_atomic32)];
} model_twins[MODEL_BYTES / 8];

static size_t model_unit(const void *p) {
    size_t at = (size_t)((const char *)p - (const char *)model_memory);
    if (at >= model_used) abort();
    return at / 8;
}
static model_atomic32 &model_twin(const uint32_t *p) {
    size_t u = model_unit(p);
    model_kind[u] |= 4;
    return *reinterpret_cast<model_atomic32 *>(model_twins[u].half[(uintptr_t)p / 4 % 2]);
}
static model_atomic64 &model_twin(const uint64_t *p) {
    size_t u = model_unit(p);
    model_kind[u] |= 8;
    return *reinterpret_cast<model_atomic64 *>(model_twins[u].wide);
}
/* ---- races ---- */

/* The modelled order of stores to one word is the order in which they ran, and a load never sees
   what is stored later; C11 promises that only to accesses of which one happens before the other.
   So: a plain store (no read-modify-write) must come after all plain stores to this word by other
   threads, and after all loads by readers whom the protocol promises that the bytes stand still
   (model_still). Words that several may store to at once are named by the function
   or by the text of the address (model_shared). */
struct model_race {
    int writer; /* 1 + thread; 0: nobody */
    rl::timestamp_t stored, loaded[4];
};
static model_race model_races[MODEL_BYTES / 4];
static size_t model_still_from, model_still_to; /* bytes; loads in here by ... */
static unsigned model_still;                    /* ... these threads (a bit each) are promised to be safe */
static const char *const *model_shared;         /* NULL behind the last */

static bool model_before(int thread, rl::timestamp_t when) {
    rl::thread_info_base *me = rl::ctx().threadx_;
    return thread == me->index_ || me->acq_rel_order_[thread] >= when;
}
static void model_raced(const char *what) { rl::ctx().fail_test(what, rl::test_result_user_assert_failed, rl::debug_info("", "", 0)); }
static void model_note_store(const void *p, const char *function, const char *text) {
    rl::thread_info_base *me = rl::ctx().threadx_;
    model_race *r = &model_races[((const char *)p - (const char *)model_memory) / 4];
    for (const char *const *f = model_shared; f && *f; f++)
        if (strcmp(*f, function) == 0 || strcmp(*f, text) == 0) return;
    if (r->writer && !model_before(r->writer - 1, r->stored)) model_raced("(assertion: two stores to one word are ordered)\n");
    for (int i = 0; i < 4; i++)
        if (r->loaded[i] && !model_before(i, r->loaded[i])) model_raced("(assertion: bytes that are read stand still)\n");
    r->writer = me->index_ + 1, r->stored = me->own_acq_rel_order_;
}
static void model_note_load(const void *p) {
    rl::thread_info_base *me = rl::ctx().threadx_;
    size_t at = (size_t)((const char *)p - (const char *)model_memory);
    if (!(model_still >> me->index_ & 1u) || at < model_still_from || at >= model_still_to) return;
    model_races[at / 4].loaded[me->index_] = me->own_acq_rel_order_;
    if (model_races[at / 4].writer && !model_before(model_races[at / 4].writer - 1, model_races[at / 4].stored))
        model_raced("(assertion: bytes that are read were written before)\n");
}

static const char *model_file = "telem_ring.h"; /* of which the lines are */
#define MODEL_HERE rl::debug_info(model_where.function, model_file, (unsigned)model_where.line)

/* Each access as a line on stderr: thread, function and line, byte of the memory, value. */
static bool model_trace;
static struct {
    const char *function;
    int line;
} model_where = {"", 0};
static bool model_on_line(const char *function, int line) {
    model_where.function = function, model_where.line = line;
    return true;
}
static void model_told(const char *what, const void *p, uint64_t before, uint64_t v) {
    if (!model_trace) return;
    fprintf(stderr, "%d %s:%d %s", rl::ctx().threadx_->index_, model_where.function, model_where.line, what);
    if (p) fprintf(stderr, " [%d] %llx %llx", (int)((const char *)p - (const char *)model_memory), (unsigned long long)before, (unsigned long long)v);
    fputc('\n', stderr);
}

/* What has been laid out in the first n bytes of model_memory becomes the first value of all. */
static void model_start(size_t n) {
    model_used = (n + 7) / 8 * 8;
    if (model_used > MODEL_BYTES) abort();
    for (size_t u = 0; u < model_used / 8; u++) {
        uint32_t half[2];
        memcpy(half, &model_memory[u], 8);
        if (model_kind[u] == 12) abort(); /* one word in two widths */
        if (model_kind[u] != 4) ::new (model_twins[u].wide) model_atomic64(model_memory[u]);
        if (model_kind[u] != 8)
            for (int i = 0; i < 2; i++) ::new (model_twins[u].half[i]) model_atomic32(half[i]);
        model_kind[u] |= 0x80; /* these exist in this run ... */
        if ((model_kind[u] & 12) == 0) model_kind[u] |= 3; /* ... and so do both */
    }
    memset(model_races, 0, sizeof model_races);
    model_still = 0;
    model_on = true;
}
static void model_stop(void) {
    model_on = false;
    for (size_t u = 0; u < model_used / 8; u++) {
        bool both = (model_kind[u] & 3) != 0;
        if (both || model_kind[u] & 8) reinterpret_cast<model_atomic64 *>(model_twins[u].wide)->~model_atomic64();
        for (int i = 0; (both || model_kind[u] & 4) && i < 2; i++)
            reinterpret_cast<model_atomic32 *>(model_twins[u].half[i])->~model_atomic32();
        model_kind[u] &= 12;
    }
}
/* Runs that failed do not come to model_stop. */
/* The next run may lay out something else. */
static void model_clear(void) { memset(model_kind, 0, sizeof model_kind); }
static void model_forget(void) {
    for (size_t u = 0; u < MODEL_BYTES / 8; u++) model_kind[u] &= 12;
    model_on = false;
}

/* Long stretches of one thread find other faults than a switch at every access. */
struct model_stretch {
    bool held;
    int line;
    const char *function;
    model_stretch() : line(model_where.line), function(model_where.function) {
        held = model_rate > 1 && rl::rand(model_rate) != 0;
        if (held) rl::ctx().disable_preemption();
    }
    void back() { model_where.line = line, model_where.function = function; } /* others ran meanwhile */
    ~model_stretch() {
        if (held) rl::ctx().enable_preemption();
    }
};

/* ---- the macros ---- */

static bool model_outside(const void *p) { /* a copy that the reader has made */
    size_t at = (size_t)((const char *)p - (const char *)model_memory);
    if (at >= model_used && at < MODEL_BYTES) rl::ctx().fail_test("(assertion: inside the ring)\n", rl::test_result_user_assert_failed, MODEL_HERE);
    return at >= model_used;
}
template <typename T> static T model_load(const T *p, rl::memory_order order, int weak) {
    if (!model_on || model_outside(p)) return *p;
    model_stretch s;
    T v = model_twin(p).load(weak ? rl::mo_relaxed : order, MODEL_HERE);
    if (order == rl::mo_relaxed) model_note_load(p);
    s.back(), model_told("load", p, v, v);
    return v;
}
template <typename T> static void model_store(T *p, T v, rl::memory_order order, int weak, const char *function, const char *text) {
    if (!model_on) {
        *p = v;
        return;
    }
    model_stretch s;
    model_twin(p).store(v, weak ? rl::mo_relaxed : order, MODEL_HERE);
    s.back(), model_told("store", p, v, v);
    if (function) model_note_store(p, function, text);
}
static rl::memory_order model_rmw(int weak) {
    return weak == MODEL_RELAXED ? rl::mo_relaxed : rl::mo_acq_rel;
}
template <typename T> static T model_add(T *p, T v, int weak) {
    if (!model_on) {
        T was = *p;
        *p = was + v;
        return was;
    }
    if (weak == MODEL_LOST) {
        T was = model_load<T>(p, rl::mo_acquire, 0);
        model_store<T>(p, was + v, rl::mo_release, 0, NULL, NULL);
        return was;
    }
    model_stretch s;
    T was = model_twin(p).rmw(rl::rmw_type_t<rl::rmw_type_add>(), v, model_rmw(weak), MODEL_HERE);
    s.back(), model_told("add", p, was, was + v);
    return was;
}
template <typename T> static int model_cas(T *p, T *e, T d, int weak) {
    if (!model_on || weak == MODEL_LOST) {
        T was = model_load<T>(p, rl::mo_acquire, 0);
        bool same = was == *e;
        if (same) model_store<T>(p, d, rl::mo_release, 0, NULL, NULL);
        *e = was;
        return same;
    }
    model_stretch s;
    T want = *e;
    bool same = model_twin(p).compare_exchange(rl::bool_t<false>(), *e, d, model_rmw(weak), MODEL_HERE);
    s.back(), model_told(same ? "cas" : "cas fails", p, same ? want : *e, d);
    return same;
}
static void model_fence(rl::memory_order order, int weak) {
    if (!model_on || weak == MODEL_NO_FENCE) return;
    model_stretch s;
    rl::atomic_thread_fence(weak == MODEL_ACQ_REL_FENCE ? rl::mo_acq_rel : order, MODEL_HERE);
}

typedef uint32_t telem_atomic32;
#define TELEM_LOAD32_RELAXED(p) (model_on_line(__FUNCTION__, __LINE__), model_load<uint32_t>(p, rl::mo_relaxed, 0))
#define TELEM_LOAD32_ACQUIRE(p) (model_on_line(__FUNCTION__, __LINE__), model_load<uint32_t>(p, rl::mo_acquire, MODEL_AT(MODEL_LOAD)))
#define TELEM_STORE32_RELAXED(p, v) (model_on_line(__FUNCTION__, __LINE__), model_store<uint32_t>(p, v, rl::mo_relaxed, 0, __FUNCTION__, #p))
#define TELEM_STORE32_RELEASE(p, v) (model_on_line(__FUNCTION__, __LINE__), model_store<uint32_t>(p, v, rl::mo_release, MODEL_AT(MODEL_STORE), __FUNCTION__, #p))
#define TELEM_FETCH_ADD32(p, v) (model_on_line(__FUNCTION__, __LINE__), model_add<uint32_t>(p, v, MODEL_AT(MODEL_ADD)))
#define TELEM_CAS32(p, e, d) (model_on_line(__FUNCTION__, __LINE__), model_cas<uint32_t>(p, e, d, MODEL_AT(MODEL_CAS)))
#define TELEM_FENCE_ACQUIRE() (model_on_line(__FUNCTION__, __LINE__), model_fence(rl::mo_acquire, MODEL_AT(MODEL_ACQUIRE)))
#define TELEM_FENCE_RELEASE() (model_on_line(__FUNCTION__, __LINE__), model_fence(rl::mo_release, MODEL_AT(MODEL_RELEASE)))
#define TELEM_FENCE_SEQ_CST() (model_on_line(__FUNCTION__, __LINE__), model_fence(rl::mo_seq_cst, MODEL_AT(MODEL_SEQ_CST)))
#if MODEL_WIDE
#define TELEM_HAS_ATOMIC64 1
typedef uint64_t telem_atomic64;
#define TELEM_LOAD64_RELAXED(p) (model_on_line(__FUNCTION__, __LINE__), model_load<uint64_t>(p, rl::mo_relaxed, 0))
#define TELEM_LOAD64_ACQUIRE(p) (model_on_line(__FUNCTION__, __LINE__), model_load<uint64_t>(p, rl::mo_acquire, MODEL_AT(MODEL_LOAD)))
#define TELEM_STORE64_RELAXED(p, v) (model_on_line(__FUNCTION__, __LINE__), model_store<uint64_t>(p, v, rl::mo_relaxed, 0, __FUNCTION__, #p))
#define TELEM_STORE64_RELEASE(p, v) (model_on_line(__FUNCTION__, __LINE__), model_store<uint64_t>(p, v, rl::mo_release, MODEL_AT(MODEL_STORE), __FUNCTION__, #p))
#define TELEM_FETCH_ADD64(p, v) (model_on_line(__FUNCTION__, __LINE__), model_add<uint64_t>(p, v, MODEL_AT(MODEL_ADD)))
#define TELEM_CAS64(p, e, d) (model_on_line(__FUNCTION__, __LINE__), model_cas<uint64_t>(p, e, d, MODEL_AT(MODEL_CAS)))
#else
#define TELEM_HAS_ATOMIC64 0
#endif

/* Eight bytes that a gating reader was shown in place. */
static uint64_t model_see(const void *p) {
    uint64_t v = 0;
    size_t at = (size_t)((const char *)p - (const char *)model_memory);
    if (!model_on || at >= model_used) {
        memcpy(&v, p, 8);
        return v;
    }
#if MODEL_WIDE
    return model_load<uint64_t>((const uint64_t *)p, rl::mo_relaxed, 0);
#else
    uint32_t half[2];
    for (int i = 0; i < 2; i++) half[i] = model_load<uint32_t>((const uint32_t *)p + i, rl::mo_relaxed, 0);
    memcpy(&v, half, 8);
    return v;
#endif
}

#endif
