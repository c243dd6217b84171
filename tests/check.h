/* check.h - the assertions of telem's tests, C99 and C++11; works with NDEBUG.

   TEST(refused_record_is_counted) {
       uint64_t rng = check_seed();
       REQUIRE(open_it() == 0);                    stops this test when it fails
       CHECK_EQ_INT(count(), check_rand(&rng));    notes a failure and goes on
   }
   int main(void) {
       RUN(refused_record_is_counted);
       return CHECK_MAIN_END();
   }

   Quiet while all is well. A failure prints file:line and the values. Environment:
   CHECK_VERBOSE=1 names each test as it starts, CHECK_ONLY=text runs the tests whose name
   contains it, CHECK_SEED=n repeats a random run, CHECK_QUICK=1 asks long tests to be short
   (they call check_quick()). The CHECK macros may be used from several threads at once. */
#ifndef CHECK_H
#define CHECK_H
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEST(name) static void test_##name(void)
#define RUN(name) check_run(#name, test_##name)
#define SKIP(reason) do { check_skip(reason); return; } while (0)
#define CHECK(cond) ((void)check_that((cond) ? 1 : 0, __FILE__, __LINE__, #cond))
#define REQUIRE(cond) \
    do { if (!check_that((cond) ? 1 : 0, __FILE__, __LINE__, #cond)) return; } while (0)
/* Both sides become int64_t: a uint64_t above INT64_MAX prints as negative, but compares right. */
#define CHECK_EQ_INT(a, b) \
    ((void)check_int((int64_t)(a), (int64_t)(b), __FILE__, __LINE__, #a " == " #b))
#define CHECK_STR(a, b) ((void)check_str((a), (b), __FILE__, __LINE__, #a " == " #b))
#define CHECK_MEM(a, b, n) ((void)check_mem((a), (b), (n), __FILE__, __LINE__, #a " == " #b))
#define CHECK_OK(expr) ((void)check_ok((int64_t)(expr), __FILE__, __LINE__, #expr))
#define REQUIRE_OK(expr) \
    do { if (!check_ok((int64_t)(expr), __FILE__, __LINE__, #expr)) return; } while (0)
#define CHECK_MAIN_END() check_main_end()

static struct {
    int passed, failed, skipped; /* tests, not checks */
    int bad, skip;               /* of the test that runs */
    int seeded;
    uint64_t seed;
    const char *name;
} check_g;

static inline int check_fail(const char *file, int line, const char *what) {
    int n = __atomic_add_fetch(&check_g.bad, 1, __ATOMIC_RELAXED);
    if (n <= 20) printf("%s:%d: %s: FAILED %s", file, line, check_g.name, what);
    return n <= 20; /* a loop that fails a million times says so twenty times */
}

static inline int check_that(int ok, const char *file, int line, const char *what) {
    if (!ok && check_fail(file, line, what)) printf("\n");
    return ok;
}

static inline int check_int(int64_t a, int64_t b, const char *file, int line, const char *what) {
    if (a != b && check_fail(file, line, what)) printf("\n    %" PRId64 " != %" PRId64 "\n", a, b);
    return a == b;
}

static inline int check_ok(int64_t code, const char *file, int line, const char *what) {
    if (code < 0 && check_fail(file, line, what)) printf("\n    result %" PRId64 "\n", code);
    return code >= 0; /* a counting call answers >= 0 */
}

static inline int check_str(const char *a, const char *b, const char *file, int line,
                            const char *what) {
    int ok = a && b ? strcmp(a, b) == 0 : a == b;
    if (!ok && check_fail(file, line, what))
        printf("\n    \"%s\"\n != \"%s\"\n", a ? a : "(null)", b ? b : "(null)");
    return ok;
}

static inline int check_mem(const void *a, const void *b, size_t n, const char *file, int line,
                            const char *what) {
    const unsigned char *p = (const unsigned char *)a, *q = (const unsigned char *)b;
    size_t i = 0;
    while (i < n && p[i] == q[i]) i++;
    if (i < n && check_fail(file, line, what))
        printf("\n    byte %lu of %lu: %02x != %02x\n", (unsigned long)i, (unsigned long)n,
               (unsigned)p[i], (unsigned)q[i]);
    return i == n;
}

static inline void check_skip(const char *reason) {
    printf("SKIPPED %s (%s)\n", check_g.name, reason);
    check_g.skip = 1;
}

static inline int check_quick(void) {
    const char *s = getenv("CHECK_QUICK");
    return s && *s && *s != '0';
}

static inline void check_run(const char *name, void (*test)(void)) {
    const char *verbose = getenv("CHECK_VERBOSE"), *only = getenv("CHECK_ONLY");
    if (only && !strstr(name, only)) return;
    check_g.name = name;
    check_g.bad = check_g.skip = 0;
    if (verbose && *verbose == '1') printf("run  %s\n", name);
    fflush(stdout); /* a crash must not swallow the name */
    test();
    if (check_g.bad) {
        check_g.failed++;
        printf("FAIL %s: %d checks", name, check_g.bad);
        if (check_g.seeded) printf(", repeat with CHECK_SEED=%" PRIu64, check_g.seed);
        printf("\n");
    } else if (check_g.skip) check_g.skipped++;
    else check_g.passed++;
    fflush(stdout);
}

/* The run's seed, never 0: CHECK_SEED or the clock. A failing test prints it. */
static inline uint64_t check_seed(void) {
    if (!check_g.seeded) {
        const char *s = getenv("CHECK_SEED");
        check_g.seed = s ? (uint64_t)strtoull(s, NULL, 0)
                         : (uint64_t)time(NULL) * 0x9E3779B97F4A7C15u ^ (uint64_t)clock();
        if (!check_g.seed) check_g.seed = 1;
        check_g.seeded = 1;
    }
    return check_g.seed;
}

/* xorshift64* (Vigna 2016). The state is any number but 0. */
static inline uint64_t check_rand(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
    *state = x;
    return x * 0x2545F4914F6CDD1Du;
}

static inline int check_main_end(void) {
    printf("%d passed, %d failed, %d skipped\n", check_g.passed, check_g.failed, check_g.skipped);
    return check_g.failed ? 1 : 0;
}
#endif
