/* Numbers to text and back, against the C library: random bit patterns by the million, every power
   of two, every half float, halfway points of any length.
   cc -I. -Itests tests/test_schema_numbers.c -o test_schema_numbers  UNIT: optimised */
#define _POSIX_C_SOURCE 200809L
#define TELEM_STATIC
#define TELEM_IMPLEMENTATION
#include "telem_schema.h"
#include "check.h"
#include <float.h>
#include <locale.h>
#include <math.h>

static uint64_t rng;

static double f64_of(uint64_t bits) {
    double v;
    memcpy(&v, &bits, 8);
    return v;
}
static uint64_t bits_of(double v) {
    uint64_t bits;
    memcpy(&bits, &v, 8);
    return bits;
}
static float f32_of(uint32_t bits) {
    float v;
    memcpy(&v, &bits, 4);
    return v;
}
static uint32_t bits_of32(float v) {
    uint32_t bits;
    memcpy(&bits, &v, 4);
    return bits;
}

/* Not the macros of math.h: some C libraries' raise conversion warnings. */
static int infinite(double v) { return v == v && v - v != 0; }
static int negative(double v) { return (int)(bits_of(v) >> 63); }

/* mingw's strtod is off by one beside some powers of two: there a number must only read back by
   our own parser, which the other targets hold against their libraries. */
static double libc_f64(const char *text) {
#ifdef _WIN32
    double v = 0;
    return telem_parse_f64(text, strlen(text), &v) == TELEM_OK ? v : HUGE_VAL;
#else
    return strtod(text, NULL);
#endif
}

/* The significant digits of a number's text, without leading and trailing zeros. */
static void digits_of(const char *text, char *out) {
    int n = 0, all = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9') continue;
        if (all || *text != '0') out[all++] = *text;
        if (*text != '0') n = all;
    }
    out[n] = 0;
}

/* Reads back; is the closest of its length; nothing shorter reads back. A power of two may have a
   shorter neighbour on its wide side, which printf does not look for. */
static void check_f64(double v) {
    char text[40], libc[64], ours[32], theirs[32];
    double back = 0;
    size_t n = telem_print_f64(text, sizeof text, v);
    int count, power = (bits_of(v) & 0xFFFFFFFFFFFFFu) == 0;
    CHECK(n <= 25 && strlen(text) == n);
    if (libc_f64(text) != v || telem_parse_f64(text, n, &back) != TELEM_OK || bits_of(back) != bits_of(v)) {
        CHECK_STR(text, "reads back");
        return;
    }
    digits_of(text, ours);
    count = (int)strlen(ours);
    if (count == 0) return;
    snprintf(libc, sizeof libc, "%.*e", count - 1, v);
    digits_of(libc, theirs);
    if (!power) CHECK_STR(ours, theirs);
    if (count == 1) return;
    snprintf(libc, sizeof libc, "%.*e", count - 2, v);
    CHECK(libc_f64(libc) != v);
}

static void check_f32(float v) {
    char text[40], libc[64], ours[32], theirs[32];
    float back = 0;
    size_t n = telem_print_f32(text, sizeof text, v);
    int count, power = (bits_of32(v) & 0x7FFFFFu) == 0;
    if (strtof(text, NULL) != v || telem_parse_f32(text, n, &back) != TELEM_OK || bits_of32(back) != bits_of32(v)) {
        CHECK_STR(text, "reads back");
        return;
    }
    digits_of(text, ours);
    count = (int)strlen(ours);
    if (count == 0) return;
    snprintf(libc, sizeof libc, "%.*e", count - 1, (double)v);
    digits_of(libc, theirs);
    if (!power) CHECK_STR(ours, theirs);
    if (count == 1) return;
    snprintf(libc, sizeof libc, "%.*e", count - 2, (double)v);
    CHECK(strtof(libc, NULL) != v);
}

/* CHECK_LONG=1: the millions; else a quarter of them, CHECK_QUICK=1: a twentieth. */
static int many(int full) { return check_quick() ? full / 20 : getenv("CHECK_LONG") ? full * 4 : full / 4; }

TEST(random_doubles_print_shortest_and_read_back) {
    int i;
    for (i = 0; i < many(1000000); i++) {
        double v = f64_of(check_rand(&rng));
        if (v - v == 0) check_f64(v);
    }
}

TEST(random_floats_print_shortest_and_read_back) {
    int i;
    for (i = 0; i < many(1000000); i++) {
        float v = f32_of((uint32_t)check_rand(&rng));
        if (v - v == 0) check_f32(v);
    }
}

TEST(usual_numbers_print_shortest_and_read_back) {
    int i, j;
    for (i = 0; i < many(300000); i++) {
        int64_t whole = (int64_t)(check_rand(&rng) >> (check_rand(&rng) % 64));
        double v = (double)whole;
        for (j = (int)(check_rand(&rng) % 12); j > 0; j--) v /= 10;
        check_f64(v);
        check_f64(-v);
        check_f32((float)v);
    }
}

TEST(powers_of_two_ten_and_their_neighbours) {
    int e, d;
    for (e = -1074; e <= 1023; e++)
        for (d = -2; d <= 2; d++) {
            if (e > -1072) check_f64(f64_of(bits_of(ldexp(1.0, e)) + (uint64_t)(int64_t)d));
            if (e > -147 && e <= 127) check_f32(f32_of(bits_of32((float)ldexp(1.0, e)) + (uint32_t)d));
        }
    for (e = -323; e <= 308; e++)
        for (d = e > -323 ? -2 : 0; d <= 2; d++) {
            char text[16];
            snprintf(text, sizeof text, "1e%d", e);
            check_f64(f64_of(bits_of(strtod(text, NULL)) + (uint64_t)(int64_t)d));
        }
}

TEST(smallest_and_largest_numbers) {
    uint64_t i;
    for (i = 1; i < 3000; i++) {
        check_f64(f64_of(i));
        check_f32(f32_of((uint32_t)i));
        check_f64(f64_of(0x7FF0000000000000u - i));
        check_f32(f32_of(0x7F800000u - (uint32_t)i));
        check_f64(f64_of(0x0010000000000000u - 1500 + i)); /* into the denormals */
        check_f32(f32_of(0x00800000u - 1500 + (uint32_t)i));
    }
    for (i = 0; i < 20000; i++) check_f64(f64_of(check_rand(&rng) >> 12 >> (check_rand(&rng) % 52)));
}

static void check_text(double v, const char *expected) {
    char text[40];
    telem_print_f64(text, sizeof text, v);
    CHECK_STR(text, expected);
}

TEST(notation_is_as_documented) {
    char text[8];
    check_text(0.0, "0");
    check_text(-0.0, "-0");
    check_text(1.0, "1");
    check_text(-1.5, "-1.5");
    check_text(0.1, "0.1");
    check_text(123456789012345680000.0, "123456789012345680000");
    check_text(1e21, "1e21");
    check_text(1.5e-7, "1.5e-7");
    check_text(0.000001, "0.000001");
    check_text(9007199254740993.0, "9007199254740992");
    check_text(5e-324, "5e-324");
    check_text(1.7976931348623157e308, "1.7976931348623157e308");
    check_text(f64_of(0x7FF0000000000000u), "inf");
    check_text(f64_of(0xFFF0000000000000u), "-inf");
    check_text(f64_of(0x7FF8000000000001u), "nan");
    CHECK_EQ_INT(telem_print_f64(text, 4, 0.125), 5); /* like snprintf */
    CHECK_STR(text, "0.1");
    CHECK_EQ_INT(telem_print_f64(NULL, 0, 0.125), 5);
}

static void check_parse(const char *text) {
    double v = 0, libc = strtod(text, NULL);
    telem_result r = telem_parse_f64(text, strlen(text), &v);
    float f = 0, libcf = strtof(text, NULL);
    if (infinite(libc)) CHECK_EQ_INT(r, TELEM_ERR_RANGE);
    else if (r != TELEM_OK || bits_of(v) != bits_of(libc)) CHECK_STR(text, "as strtod reads it");
    r = telem_parse_f32(text, strlen(text), &f);
    if (infinite((double)libcf)) CHECK_EQ_INT(r, TELEM_ERR_RANGE);
    else if (r != TELEM_OK || bits_of32(f) != bits_of32(libcf)) CHECK_STR(text, "as strtof reads it");
}

TEST(random_decimals_are_read_as_strtod_does) {
    int i, j;
    for (i = 0; i < many(600000); i++) {
        char text[64];
        int n = 0, digits = 1 + (int)(check_rand(&rng) % (i % 8 ? 22 : 45)), point = (int)(check_rand(&rng) % (uint64_t)(digits + 1));
        if (check_rand(&rng) & 1) text[n++] = '-';
        for (j = 0; j < digits; j++) {
            if (j == point) text[n++] = '.';
            text[n++] = (char)('0' + check_rand(&rng) % 10);
        }
        if (i % 3) snprintf(text + n, 12, "e%d", (int)(check_rand(&rng) % 700) - 360);
        else text[n] = 0;
        check_parse(text);
    }
}

/* Exactly between two doubles, and a hair to either side: up to 770 digits. */
TEST(halfway_points_round_to_even) {
    int i;
    static char text[2000];
    for (i = 0; i < many(40000); i++) {
        uint64_t bits = check_rand(&rng) & 0x7FFFFFFFFFFFFFFFu;
        int n;
        long double half;
        if (i % 4 == 0) bits >>= 11; /* denormals, mostly */
        if (bits >= 0x7FE0000000000000u) continue;
        if (sizeof(long double) == 8 || LDBL_MANT_DIG < 64) SKIP("no long double wider than double");
        half = ((long double)f64_of(bits) + (long double)f64_of(bits + 1)) / 2;
        n = snprintf(text, sizeof text, "%.800Le", half);
        check_parse(text);
        text[n - 6 - 30] = '1'; /* a hair above: far behind the last digit, or in its midst */
        check_parse(text);
        snprintf(text, sizeof text, "%.*Le", 20 + (int)(check_rand(&rng) % 700), half);
        check_parse(text);
    }
}

TEST(malformed_numbers_are_refused) {
    static const char *const bad[] = {"", "-", "+", ".", "e5", "1e", "1e+", "1e-", "1.2.3", "1x", " 1", "1 ", "--1", "0x10",
                                      "1e5.5", "na", "infi", "1,5", "+-1", "1_000", "nan1"};
    double v = 42;
    int64_t i = 42;
    uint64_t u = 42;
    size_t k;
    for (k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        CHECK_EQ_INT(telem_parse_f64(bad[k], strlen(bad[k]), &v), TELEM_ERR_SYNTAX);
        CHECK_EQ_INT(telem_parse_i64(bad[k], strlen(bad[k]), &i), TELEM_ERR_SYNTAX);
        CHECK_EQ_INT(telem_parse_u64(bad[k], strlen(bad[k]), &u), TELEM_ERR_SYNTAX);
    }
    CHECK_EQ_INT(telem_parse_f64("1e309", 5, &v), TELEM_ERR_RANGE);
    CHECK_EQ_INT(telem_parse_f64("1e99999999999999999999", 22, &v), TELEM_ERR_RANGE);
    CHECK(v == 42 && i == 42 && u == 42);
    CHECK(telem_parse_f64("1e-99999999999999999999", 23, &v) == TELEM_OK && v == 0);
    CHECK(telem_parse_f64("-InFinity", 9, &v) == TELEM_OK && v < 0 && infinite(v));
    CHECK(telem_parse_f64("NaN", 3, &v) == TELEM_OK && v != v);
    CHECK(telem_parse_f64(".5", 2, &v) == TELEM_OK && v == 0.5);
    CHECK(telem_parse_f64("5.", 2, &v) == TELEM_OK && v == 5);
    CHECK(telem_parse_f64("-0", 2, &v) == TELEM_OK && bits_of(v) == (uint64_t)1 << 63);
}

TEST(integers_read_back_and_overflow_is_told) {
    char text[32];
    int64_t i = 0;
    uint64_t u = 0;
    int k;
    for (k = 0; k < 100000; k++) {
        uint64_t v = check_rand(&rng) >> (check_rand(&rng) % 64);
        int64_t w;
        char libc[32];
        memcpy(&w, &v, 8);
        snprintf(libc, sizeof libc, "%" PRIu64, v);
        CHECK(telem_print_u64(text, sizeof text, v) == strlen(libc) && strcmp(text, libc) == 0);
        CHECK(telem_parse_u64(text, strlen(text), &u) == TELEM_OK && u == v);
        snprintf(libc, sizeof libc, "%" PRId64, w);
        CHECK(telem_print_i64(text, sizeof text, w) == strlen(libc) && strcmp(text, libc) == 0);
        CHECK(telem_parse_i64(text, strlen(text), &i) == TELEM_OK && i == w);
    }
    CHECK(telem_print_i64(text, sizeof text, INT64_MIN) == 20 && telem_parse_i64(text, 20, &i) == TELEM_OK && i == INT64_MIN);
    CHECK_EQ_INT(telem_parse_i64("9223372036854775808", 19, &i), TELEM_ERR_RANGE);
    CHECK_EQ_INT(telem_parse_i64("-9223372036854775809", 20, &i), TELEM_ERR_RANGE);
    CHECK_EQ_INT(telem_parse_u64("18446744073709551616", 20, &u), TELEM_ERR_RANGE);
    CHECK_EQ_INT(telem_parse_u64("-1", 2, &u), TELEM_ERR_RANGE);
    CHECK(telem_parse_u64("+007", 4, &u) == TELEM_OK && u == 7);
    CHECK(telem_parse_u64("-0", 2, &u) == TELEM_OK && u == 0);
}

/* Value of a half by its definition. */
static double half_value(uint16_t h) {
    int e = h >> 10 & 31, m = h & 1023;
    double v = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return h & 0x8000 ? -v : v;
}

TEST(every_half_converts_exactly) {
    uint32_t h;
    for (h = 0; h < 65536; h++) {
        float v = telem_f16_to_f32((uint16_t)h), b = telem_bf16_to_f32((uint16_t)h);
        double expected = half_value((uint16_t)h);
        if (expected != expected) CHECK(v != v && telem_f32_to_f16(v) == (h | 0x200u));
        else CHECK((double)v == expected && negative((double)v) == negative(expected) && telem_f32_to_f16(v) == h);
        CHECK_EQ_INT(bits_of32(b), h << 16);
        CHECK_EQ_INT(telem_f32_to_bf16(b), b == b ? h : (h | 0x40u));
    }
}

/* Between two neighbouring halves: the nearer one, in the middle the even one. */
TEST(floats_round_to_the_nearest_half) {
    uint32_t h;
    for (h = 0; h < 0x7BFF; h++) {
        float lo = telem_f16_to_f32((uint16_t)h), hi = telem_f16_to_f32((uint16_t)(h + 1)), mid = (lo + hi) / 2;
        CHECK_EQ_INT(telem_f32_to_f16(mid), h & 1 ? h + 1 : h);
        CHECK_EQ_INT(telem_f32_to_f16(f32_of(bits_of32(mid) - 1)), h);
        CHECK_EQ_INT(telem_f32_to_f16(f32_of(bits_of32(mid) + 1)), h + 1);
        CHECK_EQ_INT(telem_f32_to_f16(-mid), 0x8000u | (h & 1 ? h + 1 : h));
    }
    CHECK_EQ_INT(telem_f32_to_f16(65519.996f), 0x7BFF);
    CHECK_EQ_INT(telem_f32_to_f16(65520.0f), 0x7C00);
    for (h = 0; h < 0x7F7F; h++) {
        CHECK_EQ_INT(telem_f32_to_bf16(f32_of(h << 16 | 0x8000u)), h & 1 ? h + 1 : h);
        CHECK_EQ_INT(telem_f32_to_bf16(f32_of(h << 16 | 0x7FFFu)), h);
        CHECK_EQ_INT(telem_f32_to_bf16(f32_of(h << 16 | 0x8001u)), h + 1);
    }
}

/* The fast ways and the exact ways must agree: the exact printer on numbers that the fast one does,
   for all four formats. */
static void check_exact(const telem_i_format *t, uint64_t m, int e, int closer) {
    telem_i_decimal fast = TELEM_ZERO, exact = TELEM_ZERO;
    if (!telem_i_shortest_fast(t, m, e, closer, &fast)) return;
    telem_i_shortest_exact(m, e, closer, &exact);
    while (fast.digits % 10 == 0) fast.digits /= 10, fast.exp++;
    while (exact.digits % 10 == 0) exact.digits /= 10, exact.exp++;
    CHECK(fast.digits == exact.digits && fast.exp == exact.exp);
}

TEST(fast_and_exact_digits_agree) {
    const telem_i_format *formats[4];
    int i, k;
    formats[0] = &telem_i_f64, formats[1] = &telem_i_f32, formats[2] = &telem_i_f16, formats[3] = &telem_i_bf16;
    for (i = 0; i < many(200000); i++)
        for (k = 0; k < 4; k++) {
            const telem_i_format *t = formats[k];
            uint64_t top = (uint64_t)1 << (t->bits - 1), m = top | (check_rand(&rng) & (top - 1));
            int e = t->min + (int)(check_rand(&rng) % (((uint64_t)1 << t->exponent_bits) - 2));
            if (i % 3 == 0) m = top + check_rand(&rng) % 3;
            check_exact(t, m, e, m == top && e > t->min);
            if (e == t->min) check_exact(t, 1 + check_rand(&rng) % (top - 1), e, 0);
        }
}

TEST(german_locale_changes_nothing) {
    double v = 0;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "de_DE")) SKIP("locale de_DE is not installed");
    check_text(1234.5, "1234.5");
    CHECK(telem_parse_f64("1234.5", 6, &v) == TELEM_OK && v == 1234.5);
    CHECK_EQ_INT(telem_parse_f64("1234,5", 6, &v), TELEM_ERR_SYNTAX);
    setlocale(LC_ALL, "C");
}

int main(void) {
    rng = check_seed();
    RUN(notation_is_as_documented);
    RUN(usual_numbers_print_shortest_and_read_back);
    RUN(random_doubles_print_shortest_and_read_back);
    RUN(random_floats_print_shortest_and_read_back);
    RUN(powers_of_two_ten_and_their_neighbours);
    RUN(smallest_and_largest_numbers);
    RUN(fast_and_exact_digits_agree);
    RUN(random_decimals_are_read_as_strtod_does);
    RUN(halfway_points_round_to_even);
    RUN(malformed_numbers_are_refused);
    RUN(integers_read_back_and_overflow_is_told);
    RUN(every_half_converts_exactly);
    RUN(floats_round_to_the_nearest_half);
    RUN(german_locale_changes_nothing);
    return CHECK_MAIN_END();
}
