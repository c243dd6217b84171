/* The front ends of the columns coding (telem_file.h, >>numbers): every type, exact to the bit, at the
   edges of what their sampled choice sees; arithmetic that is the same on every machine; any bytes. */
#define _POSIX_C_SOURCE 200809L
#define TELEM_STATIC
#define TELEM_IMPLEMENTATION
#include "telem_file.h"
#include "check.h"

enum { MOST = 65536, GUARD = 64 };

#define HOLDS(cond) check_that((cond) ? 1 : 0, __FILE__, __LINE__, #cond)

static telem_i_file_codec codec;
static uint8_t *coded, *wanted, *back;

/* The codec's scratch as a writer would give it, made for exactly `cap` rows. */
static void make_codec(uint32_t cap) {
    static uint8_t *memory;
    size_t words = (size_t)((cap + 63u) / 64u * 64u) + 1024u, bytes = (size_t)((cap + 63u) / 64u * 64u) * 10u + 4096u;
    uint8_t *p;
    if (bytes < 98304u) bytes = 98304u;
    free(memory);
    memory = (uint8_t *)malloc(3u * words * 8u + bytes + 65536u + 64u);
    p = memory + (64u - (uintptr_t)memory % 64u);
    memset(&codec, 0, sizeof codec);
    codec.cap = (cap + 63u) / 64u * 64u;
    codec.a64 = (uint64_t *)(void *)p;
    codec.b64 = codec.a64 + words;
    codec.c64 = codec.b64 + words;
    codec.a32 = (uint32_t *)(void *)codec.a64;
    codec.b32 = (uint32_t *)(void *)codec.b64;
    codec.bytes = (uint8_t *)(codec.c64 + words);
    codec.table = codec.bytes + (bytes + 63u) / 64u * 64u;
    codec.table_size = 65536u;
    memset(p, 0xA5, 3u * words * 8u + bytes);
}

static telem_field field;
static telem_column column_of(uint8_t type, uint8_t decimals) {
    telem_column c;
    memset(&field, 0, sizeof field);
    memset(&c, 0, sizeof c);
    field.decimals = decimals;
    c.field = &field;
    c.type = type;
    c.count = 1;
    switch (type) {
    case TELEM_BOOL: case TELEM_U8: case TELEM_I8: case TELEM_ENUM8: case TELEM_BITS8: c.width = 1; break;
    case TELEM_U16: case TELEM_I16: case TELEM_F16: case TELEM_BF16: case TELEM_ENUM16: case TELEM_BITS16: c.width = 2; break;
    case TELEM_U64: case TELEM_I64: case TELEM_F64: c.width = 8; break;
    default: c.width = 4;
    }
    return c;
}

static const uint8_t all_types[] = {TELEM_BOOL, TELEM_U8, TELEM_U16, TELEM_U32, TELEM_U64, TELEM_I8, TELEM_I16, TELEM_I32,
                                    TELEM_I64, TELEM_F16, TELEM_BF16, TELEM_F32, TELEM_F64, TELEM_ENUM8, TELEM_ENUM16,
                                    TELEM_ENUM32, TELEM_BITS8, TELEM_BITS16, TELEM_BITS32};
enum { TYPES = sizeof all_types };

/* Codes n values of v and decodes them again. The size, 0 when the block would store them raw, -1 when
   a check failed. *name: the codec. */
static int64_t round_trip(const telem_column *c, telem_i_file_choice *st, const void *v, uint32_t n, uint8_t *name) {
    size_t raw = (size_t)n * c->width, size;
    int r;
    *name = 0;
    memset(coded + raw - 1u, 0x5C, GUARD);
    size = telem_i_file_numbers_encode(&codec, st, c, v, n, name, coded, raw - 1u);
    if (!HOLDS(size < raw)) return -1;
    for (r = 0; r < GUARD; r++)
        if (!HOLDS(coded[raw - 1u + (size_t)r] == 0x5C)) return -1;
    if (size == 0) return 0;
    memset(back, 0x3C, raw + GUARD);
    {   /* the decoder gets no byte more, and scratch that tells nothing */
        uint8_t *own = (uint8_t *)malloc(size);
        memcpy(own, coded, size);
        memset(codec.bytes, 0xEE, codec.cap);
        memset(codec.c64, 0xDD, (size_t)codec.cap * 8u);
        r = telem_i_file_numbers_decode(&codec, c, *name, own, size, n, back);
        free(own);
    }
    if (!HOLDS(r == 1) || !HOLDS(memcmp(back, v, raw) == 0)) {
        printf("  type %u, %u rows, codec %u, answer %d\n", c->type, n, *name, r);
        return -1;
    }
    for (r = 0; r < GUARD; r++)
        if (!HOLDS(back[raw + (size_t)r] == 0x3C)) return -1;
    return (int64_t)size;
}

/* --- what columns hold --- */

static void put_value(uint8_t *to, const telem_column *c, uint32_t i, uint64_t bits) {
    uint8_t b8 = (uint8_t)bits;
    uint16_t b16 = (uint16_t)bits;
    uint32_t b32 = (uint32_t)bits;
    if (c->type == TELEM_BOOL) b8 &= 1u;
    if (c->width == 1) to[i] = b8;
    else if (c->width == 2) memcpy(to + 2u * (size_t)i, &b16, 2);
    else if (c->width == 4) memcpy(to + 4u * (size_t)i, &b32, 4);
    else memcpy(to + 8u * (size_t)i, &bits, 8);
}

/* a real number as the bits of the column's type (16-bit floats: by cutting) */
static uint64_t real_bits(const telem_column *c, double v) {
    float f = (float)v;
    uint32_t b;
    uint64_t d;
    memcpy(&b, &f, 4);
    memcpy(&d, &v, 8);
    if (c->type == TELEM_F64) return d;
    if (c->type == TELEM_F32) return b;
    if (c->type == TELEM_BF16) return b >> 16;
    return (b >> 16 & 0x8000u) | (b >> 13 & 0x3FFu) | 0x3C00u;
}
static uint64_t number_bits(const telem_column *c, double v) {
    if (c->type >= TELEM_F16 && c->type <= TELEM_F64) return real_bits(c, v);
    return v < 0 ? (uint64_t)0 - (uint64_t)-v : (uint64_t)v;
}

static const uint64_t odd64[] = {0, 0x8000000000000000u, 1, 0x8000000000000001u, 0x000FFFFFFFFFFFFFu, 0x0010000000000000u,
                                 0x7FF0000000000000u, 0xFFF0000000000000u, 0x7FF8000000000000u, 0xFFF8000000000000u,
                                 0x7FF0000000000001u, 0x7FF123456789ABCDu, 0xFFFFFFFFFFFFFFFFu, 0x7FEFFFFFFFFFFFFFu,
                                 0xFFEFFFFFFFFFFFFFu, 0x3FF0000000000000u, 0x4340000000000000u, 0x4338000000000000u};
static const uint32_t odd32[] = {0, 0x80000000u, 1, 0x80000001u, 0x007FFFFFu, 0x00800000u, 0x7F800000u, 0xFF800000u,
                                 0x7FC00000u, 0xFFC00000u, 0x7F800001u, 0x7F812345u, 0xFFFFFFFFu, 0x7F7FFFFFu, 0xFF7FFFFFu,
                                 0x3F800000u, 0x4B800000u, 0x7FFFFFFFu};
static uint64_t odd_bits(const telem_column *c, uint64_t r) {
    if (c->width == 8) return odd64[r % (sizeof odd64 / sizeof *odd64)];
    if (c->width == 4) return odd32[r % (sizeof odd32 / sizeof *odd32)];
    return odd32[r % (sizeof odd32 / sizeof *odd32)] >> (32u - 8u * c->width);
}

enum { PATTERNS = 24 };
static const volatile double factors[2] = {0.0023193359375, 0.06103701895199438}; /* as f64 on every machine */
static uint64_t pattern_bits(const telem_column *c, uint32_t pattern, uint32_t i, uint64_t *rng, double *walk) {
    uint64_t r = check_rand(rng);
    double u = (double)(r >> 11) / 9007199254740992.0, small = (double)(r % 2000u);
    switch (pattern) {
    case 0: return number_bits(c, 37);                              /* all equal */
    case 1: return number_bits(c, i);                               /* a ramp */
    case 2: return r;                                               /* noise in all bits */
    case 3: return odd_bits(c, i);                                  /* NaN, zeros, denormals, infinities; extremes */
    case 4: return odd_bits(c, r);
    case 5: return i & 1u ? 0 : (uint64_t)1 << (c->width * 8u - 1u); /* 0 and the least: steps of INT_MIN, +-0 */
    case 6: return i % 97u ? number_bits(c, 5) : r;                 /* mostly one value */
    case 7: return number_bits(c, *walk += (double)(r % 21u) - 10); /* random walk */
    case 8: return number_bits(c, small / 100.0);                   /* decimals */
    case 9: return r % 50u ? number_bits(c, small / 1000.0) : odd_bits(c, r >> 8); /* with holes */
    case 10: return r % 3u ? number_bits(c, small / 10.0) : odd_bits(c, 8); /* a third NaN */
    case 11: return number_bits(c, small * factors[0]);        /* counts times a factor */
    case 12: return number_bits(c, small * factors[1]);
    case 13: return number_bits(c, 46408.5 + (double)(i * 29989u + r % 1000u) / 3e9); /* a clock in seconds */
    case 14: return number_bits(c, (double)(r % 7u) * 250000.0 + 17);  /* a lattice, few distinct */
    case 15: return number_bits(c, 1e15 + (double)(r % 1000u) * 4096.0); /* a lattice far from 0 */
    case 16: return number_bits(c, u * u * 1e9);                    /* no structure but magnitude */
    case 17: return number_bits(c, (double)(float)(u * 100.0));     /* f64 that are f32 */
    case 18: return number_bits(c, (double)(int64_t)(r % 5u) - 2);  /* around 0 */
    case 19: return i < 600 ? number_bits(c, small / 10.0) : r;     /* the sample's beginning misleads */
    case 20: return (i / 64u) % 5u ? number_bits(c, u) : number_bits(c, small / 8.0);
    case 21: return number_bits(c, (double)(i % 360u) * 0.5);       /* periodic */
    case 22: return number_bits(c, 1.0 / (1.0 + small));            /* c->width == 8: reach of 1/x */
    default: return number_bits(c, 1.5e-310 * small);               /* denormal numbers in order */
    }
}

static void fill(uint8_t *to, const telem_column *c, uint32_t pattern, uint32_t n, uint64_t *rng) {
    double walk = 1000;
    uint32_t i;
    for (i = 0; i < n; i++) put_value(to, c, i, pattern_bits(c, pattern, i, rng, &walk));
}

TEST(every_type_comes_back_to_the_bit) {
    static const uint32_t counts[] = {1, 2, 3, 5, 8, 15, 16, 17, 31, 63, 64, 65, 127, 255, 256, 257, 600, 1023, 1024, 1025, 4096, 9001};
    uint64_t rng = check_seed();
    uint32_t t, p, k, last = check_quick() ? 20 : 22;
    uint8_t name;
    for (k = 0; k < last; k++) {
        make_codec(counts[k]);
        for (t = 0; t < TYPES; t++)
            for (p = 0; p < PATTERNS; p++) {
                telem_column c = column_of(all_types[t], 0);
                fill(wanted, &c, p, counts[k], &rng);
                codec.level = (uint8_t)(p % 3u);
                if (round_trip(&c, NULL, wanted, counts[k], &name) < 0) {
                    printf("  pattern %u\n", p);
                    return;
                }
            }
    }
}

TEST(a_block_may_have_65536_rows) {
    uint64_t rng = check_seed();
    uint32_t p, t, n = check_quick() ? 65536 : 65535;
    uint8_t name;
    make_codec(MOST);
    for (p = 0; p < PATTERNS; p += check_quick() ? 5 : 2)
        for (t = p % 3u; t < TYPES; t += check_quick() ? 4 : 3) {
            telem_column c = column_of(all_types[t], 0);
            fill(wanted, &c, p, MOST, &rng);
            if (round_trip(&c, NULL, wanted, n, &name) < 0) return;
            if (round_trip(&c, NULL, wanted, MOST, &name) < 0) return;
        }
}

TEST(columns_of_nothing_but_odd_floats) {
    uint32_t kind, i, t, n = 1000;
    uint64_t rng = check_seed();
    uint8_t name;
    make_codec(n);
    for (kind = 0; kind < 6; kind++)
        for (t = 0; t < 4; t++) {
            static const uint8_t types[4] = {TELEM_F64, TELEM_F32, TELEM_F16, TELEM_BF16};
            telem_column c = column_of(types[t], 0);
            uint32_t fraction = types[t] == TELEM_F64 ? 52 : types[t] == TELEM_F32 ? 23 : types[t] == TELEM_F16 ? 10 : 7;
            uint64_t sign = (uint64_t)1 << (c.width * 8u - 1u), infinity = sign - ((uint64_t)1 << fraction);
            codec.level = (uint8_t)(kind % 3u);
            for (i = 0; i < n; i++) {
                uint64_t r = check_rand(&rng), low = r & (((uint64_t)1 << fraction) - 1u);
                if (kind == 0) r = infinity | 1u;                         /* one signalling NaN */
                else if (kind == 1) r = infinity | low | 1u | (r >> 63 ? sign : 0); /* NaNs of any payload and sign */
                else if (kind == 2) r = r >> 63 ? sign : 0;               /* +0 and -0 */
                else if (kind == 3) r = infinity | (r >> 63 ? sign : 0);
                else if (kind == 4) r = low | (r >> 63 ? sign : 0);       /* denormal numbers */
                else r = i % 16u ? sign : infinity | low | 1u;
                put_value(wanted, &c, i, r);
            }
            if (round_trip(&c, NULL, wanted, n, &name) < 0) return;
        }
}

TEST(a_kept_choice_meets_other_data) {
    uint64_t rng = check_seed();
    uint32_t round, rounds = check_quick() ? 400 : 1200, n = 2048;
    telem_i_file_choice st[TYPES];
    uint8_t name;
    memset(st, 0, sizeof st);
    make_codec(n);
    for (round = 0; round < rounds; round++) {
        uint32_t t = (uint32_t)(check_rand(&rng) % TYPES);
        telem_column c = column_of(all_types[t], 0);
        fill(wanted, &c, (uint32_t)(check_rand(&rng) % PATTERNS), n, &rng);
        if (round_trip(&c, &st[t], wanted, 1u + (uint32_t)(check_rand(&rng) % n), &name) < 0) return;
    }
}

TEST(anything_may_be_switched_off) {
    uint64_t rng = check_seed();
    uint32_t bit, p, n = 1500;
    uint8_t name;
    make_codec(n);
    for (bit = 0; bit < 64; bit++)
        for (p = 0; p < PATTERNS; p++) {
            telem_column c = column_of(p & 1u ? TELEM_F64 : p & 2u ? TELEM_F32 : TELEM_I64, 0);
            fill(wanted, &c, p, n, &rng);
            codec.off = (uint64_t)1 << bit;
            if (round_trip(&c, NULL, wanted, n, &name) < 0) {
                printf("  without bit %u, pattern %u\n", bit, p);
                return;
            }
        }
}

/* --- the choice finds what is there --- */

static int64_t size_of(uint8_t type, uint8_t decimals, uint32_t pattern, uint32_t n, uint8_t *name) {
    uint64_t rng = 12345;
    telem_column c = column_of(type, decimals);
    make_codec(n);
    fill(wanted, &c, pattern, n, &rng);
    return round_trip(&c, NULL, wanted, n, name);
}

TEST(structure_is_found) {
    uint32_t n = 8192;
    uint8_t name;
    /* 2,000 equally likely values cost 10.97 bits each */
    CHECK(size_of(TELEM_F64, 0, 8, n, &name) < n * 3 / 2);
    CHECK(size_of(TELEM_F32, 0, 8, n, &name) < n * 3 / 2);
    CHECK(size_of(TELEM_F64, 0, 9, n, &name) < n * 8 / 5);
    CHECK(size_of(TELEM_F64, 0, 10, n, &name) < n * 7 / 5);
    CHECK(size_of(TELEM_F64, 0, 11, n, &name) < n * 3 / 2);
    CHECK(size_of(TELEM_F32, 0, 12, n, &name) < n * 3 / 2);
    CHECK(size_of(TELEM_F64, 0, 12, n, &name) < n * 3 / 2);
    CHECK(size_of(TELEM_F64, 0, 13, n, &name) < n * 2);
    CHECK(size_of(TELEM_I64, 0, 14, n, &name) < n / 2);
    CHECK(size_of(TELEM_F64, 0, 14, n, &name) < n / 2);
    CHECK(size_of(TELEM_F64, 0, 15, n, &name) < n * 3 / 2);
    CHECK(size_of(TELEM_F64, 0, 17, n, &name) < n * 4);
    CHECK(size_of(TELEM_F64, 0, 18, n, &name) < n / 2);
    CHECK(size_of(TELEM_F64, 0, 1, n, &name) < 64);
    CHECK(size_of(TELEM_F32, 0, 21, n, &name) < 1500);
}

/* Decimals in another unit (radians of degrees, metres of feet): any k below 2^35 times any factor, twice rounded. */
TEST(a_factor_of_any_size_is_found) {
    uint64_t rng = check_seed();
    uint32_t round, i, bits, n = 2048, found = 0, rounds = check_quick() ? 100 : 1000;
    telem_column c = column_of(TELEM_F64, 0);
    uint8_t name;
    make_codec(n);
    for (round = 0; round < rounds; round++) {
        volatile double factor = 1e-6 + (double)(check_rand(&rng) >> 12) / 4503599627370496.0, tens = round % 2u ? 1000.0 : 1.0, v;
        bits = 10u + round % 26u;
        for (i = 0; i < n; i++) {
            v = (double)(check_rand(&rng) >> (64u - bits)) / tens;
            v = v * factor;
            put_value(wanted, &c, i, real_bits(&c, v));
        }
        found += round_trip(&c, NULL, wanted, n, &name) * 8 < (int64_t)n * (bits + 4u);
    }
    if (!HOLDS(found * 100u >= rounds * 90u)) /* some have no two of the few near each other */ printf("  %u of %u\n", (unsigned)found, (unsigned)rounds);
}

/* What is found out with floats is the same on machines that compute with more (x87) or fuse operations: a sum of all bytes.
   It changes with the format or a choice only. */
TEST(steps_are_found_alike_on_every_machine) {
    static const double units[4] = {0.017453292519943295, 0.3048, 9.80665, 0.0010101010101010101};
    telem_column c = column_of(TELEM_F64, 0);
    uint64_t rng = 2468, sum = 0, b, unit, off;
    uint32_t round, i, n = 1500;
    double k;
    uint8_t name;
    for (round = 0; round < 96; round++) {
        uint32_t bits = 20u + round % 29u, rough = round % 3u;
        int64_t size;
        make_codec(n);
        codec.level = (uint8_t)(round / 3u % 3u);
        codec.off = TELEM_I_FILE_OFF_WHOLE_LZ4;
        memcpy(&unit, &units[round & 3u], 8);
        for (i = 0; i < n; i++) { /* products on the bits: rounded once everywhere */
            k = (double)(int64_t)(1u + (check_rand(&rng) >> (64u - bits)));
            memcpy(&b, &k, 8);
            off = rough == 2u ? check_rand(&rng) % 40u : rough && check_rand(&rng) % 100u == 0 ? check_rand(&rng) % 4000u : 0;
            put_value(wanted, &c, i, telem_i_file_soft_times(b, unit) + off);
        }
        size = round_trip(&c, NULL, wanted, n, &name);
        CHECK(size >= 0);
        sum = sum * 31u + (size > 0 ? XXH64(coded, (size_t)size, name) : 0);
    }
    CHECK_EQ_INT(sum, 17533677034735344382u);
}

TEST(declared_decimals_are_used_first) {
    telem_column c = column_of(TELEM_F64, TELEM_DECIMALS(3));
    uint32_t i, n = 4096;
    uint64_t rng = 9;
    uint8_t name;
    make_codec(n);
    for (i = 0; i < n; i++) put_value(wanted, &c, i, real_bits(&c, (double)(check_rand(&rng) % 100000u) * 10.0 / 1000.0));
    REQUIRE(round_trip(&c, NULL, wanted, n, &name) > 0);
    CHECK_EQ_INT(name, TELEM_I_FILE_MULTIPLE);
    CHECK_EQ_INT(coded[1], 3);
    for (i = 0; i < n; i++) put_value(wanted, &c, i, check_rand(&rng)); /* a declaration that is wrong */
    CHECK(round_trip(&c, NULL, wanted, n, &name) >= 0);
}

/* --- arithmetic --- */

static double real(uint64_t bits) {
    double d;
    memcpy(&d, &bits, 8);
    return d;
}

TEST(products_and_quotients_are_rounded_once) {
#if TELEM_I_FILE_SOFT
    SKIP("this machine computes with more than f64: sums_of_all_machines_agree compares it with others");
#else
    uint64_t rng = check_seed();
    uint32_t i, rounds = check_quick() ? 200000 : 2000000;
    for (i = 0; i < rounds; i++) {
        uint64_t r = check_rand(&rng), k = r >> (12u + (uint32_t)(r & 63u) % 51u), a, b, x;
        double kd = (double)(int64_t)k * (r & 64u ? -1.0 : 1.0), base, got;
        b = check_rand(&rng);
        if (r & 128u) b &= ~(uint64_t)0 << (b & 63u) % 52u;
        b = (b & 0xFFFFFFFFFFFFFu) | (uint64_t)(523u + b % 1000u) << 52;
        base = real(b);
        memcpy(&a, &kd, 8);
        got = kd * base;
        memcpy(&x, &got, 8);
        if (!HOLDS(telem_i_file_soft_times(a, b) == x || k == 0)) return;
        got = kd / base;
        memcpy(&x, &got, 8);
        if (!HOLDS(telem_i_file_soft_over(a, b) == x || k == 0)) return;
    }
#endif
}

/* k below 2^26 whose k / d lies as near to halfway between two f64 as any can: 2 * k * 2^s = +-1 modulo d (its odd part).
   0: not found at this try. */
static uint32_t nearly_halfway(uint64_t d, uint64_t r) {
    uint64_t inverse = 1, s = 27u + r % 26u, i, k, q;
    while (!(d & 1u)) d >>= 1;
    if (d < 3) return 0;
    for (i = 0; i <= s; i++) inverse = inverse * ((d + 1u) / 2u) % d;
    if (r & 64u) inverse = d - inverse;
    k = inverse + d * ((r >> 8) % (((uint64_t)1 << 26) / d + 1u));
    if (k >= (uint64_t)1 << 26) return 0;
    q = (k << 36) / d; /* k / d in units of 2^-36 */
    return q >> (88u - s) == 1u ? (uint32_t)k : 0;
}

/* The loops that multiply or divide in f32 instead of dividing in f64 must give the same bits. */
TEST(quicker_ways_round_the_same) {
    static const uint32_t edges[] = {0, 1, (1u << 24) - 1u, 1u << 24, (1u << 24) + 1u, (1u << 26) - 1u, 1u << 26, 0x7FFFFFFFu,
                                     0x80000000u, 0u - (1u << 24), 0u - (1u << 24) - 1u, 0u - (1u << 26), 0u - (1u << 26) - 1u};
    uint32_t k[256], i, round, rounds = check_quick() ? 4000 : 80000, ways[3] = {0, 0, 0}, halfway = 0;
    uint64_t rng = check_seed();
    for (round = 0; round < rounds; round++) {
        telem_i_file_num_front f;
        uint64_t r = check_rand(&rng);
        uint32_t width = r & 1u ? 4 : 8, least = r & 4u ? 6u + (uint32_t)(r >> 24) % 3u : (uint32_t)(r >> 24) % 32u;
        telem_i_file_num_chunk got;
        memset(&f, 0, sizeof f);
        f.form = TELEM_I_FILE_BY_TENS;
        f.e = (uint8_t)((r >> 8) % (r & 64u ? 7u : 16u));
        f.c = (uint16_t)(r & 2u ? 1u : 1u + (r >> 16) % (r & 32u ? 65535u : 60u));
        if (!HOLDS(telem_i_file_set_base(&f, width))) return;
        ways[f.base.way]++;
        for (i = 0; i < 256; i++) {
            uint64_t x = check_rand(&rng);
            k[i] = (uint32_t)x >> least;
            if (x >> 63 && r & 16u) k[i] = 0u - k[i];
        }
        for (i = 0; i < 128 && width == 8 && f.base.v < 4194304; i++) {
            uint32_t around = nearly_halfway((uint64_t)f.base.v, check_rand(&rng));
            if (around) k[i] = around, halfway++;
        }
        if ((r & 12u) == 12u) k[(r >> 40) % 256u] = edges[(r >> 32) % (sizeof edges / sizeof *edges)];
        telem_i_file_reals32(&f.base, width, k, 256, (uint8_t *)&got);
        for (i = 0; i < 256; i++) {
            double kd = (double)(int64_t)telem_i_file_sign32(k[i]), want;
            uint64_t a, b;
            float small;
            memcpy(&a, &kd, 8);
            memcpy(&b, &f.base.v, 8);
            a = telem_i_file_soft_over(a, b); /* tested against the machine's own below */
            memcpy(&want, &a, 8);
            small = (float)want;
            if (!HOLDS(width == 8 ? got.u[i] == a : memcmp(&small, got.f + i, 4) == 0)) {
                printf("  %d / (%u * 10^%u), width %u\n", (int)k[i], f.c, f.e, width);
                return;
            }
        }
    }
#if !TELEM_I_FILE_SOFT
    CHECK(halfway > rounds);
    CHECK(ways[TELEM_I_FILE_NUM_FLOAT] && ways[TELEM_I_FILE_NUM_NEAR]);
#endif
}

/* Items as another writer may make them: offsets and steps of any size. k is told by the manual's formula. */
TEST(any_lattice_decodes_by_the_formula) {
    uint64_t rng = check_seed();
    uint32_t round, rounds = check_quick() ? 3000 : 60000, n = 300, i, good = 0;
    make_codec(n);
    for (round = 0; round < rounds; round++) {
        telem_column c = column_of(TELEM_F64, 0);
        uint64_t r = check_rand(&rng), o = check_rand(&rng), g = check_rand(&rng);
        uint32_t u[300];
        uint8_t *p = coded;
        size_t len;
        int fits = 1;
        o = (uint64_t)(telem_i_signed(o) >> (r % 64u));
        g = g >> (32u + (r >> 8) % 32u) | 1u;
        for (i = 0; i < n; i++) u[i] = (uint32_t)check_rand(&rng) >> (r >> 16) % 32u;
        *p++ = TELEM_I_FILE_BY_TENS | 2u << 3;
        *p++ = 3;
        *p++ = 1;
        p += telem_varint_put(p, telem_zigzag(telem_i_signed(o)));
        p += telem_varint_put(p, g);
        len = telem_i_file_ints32_encode(&codec, NULL, u, n, p, 4096);
        if (!HOLDS(len > 0)) return;
        for (i = 0; i < n; i++) fits &= (o + g * u[i] + ((uint64_t)1 << 51)) >> 52 == 0;
        if (!HOLDS(telem_i_file_numbers_decode(&codec, &c, TELEM_I_FILE_MULTIPLE, coded, (size_t)(p - coded) + len, n, back) == fits)) return;
        good += (uint32_t)fits;
        for (i = 0; fits && i < n; i++) {
            double kd = (double)telem_i_signed(o + g * u[i]), thousand = 1000;
            uint64_t a, b, x;
            memcpy(&a, &kd, 8);
            memcpy(&b, &thousand, 8);
            memcpy(&x, back + 8 * (size_t)i, 8);
            if (!HOLDS(x == telem_i_file_soft_over(a, b))) return;
        }
    }
    CHECK(good > rounds / 4u && good < rounds);
}

/* A hash of what fixed ks and bases make: the same number on every machine. */
TEST(sums_of_all_machines_agree) {
    double kd[256];
    telem_i_file_num_chunk r;
    uint32_t i, round;
    uint64_t rng = 1, hash = 0, ks[256];
    for (round = 0; round < 400; round++) {
        telem_i_file_num_front f;
        memset(&f, 0, sizeof f);
        for (i = 0; i < 256; i++) {
            uint64_t x = check_rand(&rng);
            ks[i] = (uint64_t)telem_i_signed(x) >> (13u + x % 51u);
            if (x & 0x100u) ks[i] = (uint64_t)0 - ks[i];
        }
        CHECK(telem_i_file_from_ints(kd, ks, 256) == 0);
        f.form = (uint8_t)(round % 3u);
        f.e = (uint8_t)(round / 3u % 16u);
        f.c = (uint16_t)(1u + round * 7u % 99u);
        f.base.v = real((check_rand(&rng) & 0xFFFFFFFFFFFFFu) | (uint64_t)(1000u + round % 40u) << 52);
        if (f.form == TELEM_I_FILE_BY_F32) f.base.v = (float)f.base.v;
        if (!HOLDS(telem_i_file_set_base(&f, 4))) return;
        telem_i_file_reals(&f.base, 4, kd, 256, &r);
        for (i = 0; i < 256; i++) {
            uint64_t x;
            memcpy(&x, kd + i, 8); /* before it was rounded to f32 */
            hash = (hash ^ x ^ (uint64_t)r.w[i] << 17) * 0x9E3779B97F4A7C15u;
            hash ^= hash >> 29;
        }
    }
    CHECK_EQ_INT((int64_t)hash, (int64_t)-779146737533709783);
}

TEST(narrow_and_wide_floats_meet) {
    uint64_t rng = check_seed();
    uint32_t i, to;
    for (i = 0; i < 100000; i++) {
        uint32_t b = (uint32_t)check_rand(&rng);
        uint64_t w = telem_i_file_widen(b);
        if ((b & 0x7F800000u) == 0 && b << 1) continue; /* denormals are not narrowed */
        if (!HOLDS(telem_i_file_narrows(w, &to) && to == b)) return;
        if ((b & 0x7F800000u) != 0x7F800000u) {
            float f;
            memcpy(&f, &b, 4);
            if (!HOLDS(real(w) == (double)f)) return;
        }
    }
    CHECK(!telem_i_file_narrows(0x3FF0000000000001u, &to));
    CHECK(!telem_i_file_narrows(1, &to));
    CHECK(telem_i_file_narrows(0x7FF0000020000000u, &to) && to == 0x7F800001u);
}

/* --- bytes from outside --- */

/* Items of MULTIPLE that the manual forbids, each beside one that it allows. */
TEST(multiples_against_the_manual_are_refused) {
    static const struct {
        uint8_t type, rows, size, item[20];
        int answer;
    } items[] = {
        {TELEM_F64, 2, 6, {0, 2, 1, 0x10, 0, 14}, 1},                          /* k / 100, k = 7 and 7 */
        {TELEM_F64, 2, 6, {3, 2, 1, 0x10, 0, 14}, 0},                          /* forms that do not exist */
        {TELEM_F64, 2, 6, {7, 2, 1, 0x10, 0, 14}, 0},
        {TELEM_F64, 2, 6, {0x80, 2, 1, 0x10, 0, 14}, 0},                       /* bit 7 */
        {TELEM_F64, 2, 6, {0, 22, 1, 0x10, 0, 14}, 1},
        {TELEM_F64, 2, 6, {0, 23, 1, 0x10, 0, 14}, 0},                         /* e above 22 */
        {TELEM_F64, 2, 6, {0, 15, 2, 0x10, 0, 14}, 1},
        {TELEM_F64, 2, 6, {0, 16, 2, 0x10, 0, 14}, 0},                         /* above 15 with a c */
        {TELEM_F64, 2, 6, {0, 2, 0, 0x10, 0, 14}, 0},                          /* c of 0.. */
        {TELEM_F64, 2, 8, {0, 2, 0xFF, 0xFF, 3, 0x10, 0, 14}, 1},
        {TELEM_F64, 2, 8, {0, 2, 0x80, 0x80, 4, 0x10, 0, 14}, 0},              /* ..and of 65,536 */
        {TELEM_F32, 2, 8, {1, 0, 0, 0, 0x3F, 0x10, 0, 14}, 1},                 /* times 0.5 */
        {TELEM_F32, 2, 8, {1, 0, 0, 0, 0xBF, 0x10, 0, 14}, 0},                 /* a base below 0.. */
        {TELEM_F32, 2, 8, {1, 0, 0, 0, 0, 0x10, 0, 14}, 0},                    /* ..of 0.. */
        {TELEM_F32, 2, 8, {1, 0, 0, 0xC0, 0x7F, 0x10, 0, 14}, 0},              /* ..no number.. */
        {TELEM_F32, 2, 8, {1, 0, 0, 0x80, 0x5D, 0x10, 0, 14}, 0},              /* ..of 2^60.. */
        {TELEM_F64, 2, 8, {1, 0, 0, 0x80, 0x5D, 0x10, 0, 14}, 1},
        {TELEM_F64, 2, 12, {2, 0, 0, 0, 0, 0, 0, 0x30, 0x5F, 0x10, 0, 14}, 0}, /* ..and of 2^500 */
        {TELEM_F64, 2, 9, {0x20, 2, 1, 0, 0, 0, 0x10, 0, 14}, 0},              /* no exceptions.. */
        {TELEM_F64, 2, 9, {0x20, 2, 1, 2, 0, 0, 0x10, 0, 14}, 0},              /* ..or nothing else */
        {TELEM_F64, 2, 5, {0, 2, 1, 0x10, 0}, 0},                              /* cut */
        {TELEM_F64, 2, 7, {0, 2, 1, 0x10, 0, 14, 0}, 0},                       /* a byte left over */
        {TELEM_U64, 2, 6, {0, 2, 1, 0x10, 0, 14}, 0},                          /* no float */
    };
    uint8_t to[16];
    size_t i;
    make_codec(64);
    for (i = 0; i < sizeof items / sizeof *items; i++) {
        telem_column c = column_of(items[i].type, 0);
        int r = telem_i_file_numbers_decode(&codec, &c, TELEM_I_FILE_MULTIPLE, items[i].item, items[i].size, items[i].rows, to);
        if (r != items[i].answer) printf("  item %u: %d\n", (unsigned)i, r);
        CHECK_EQ_INT(r, items[i].answer);
    }
}

/* What a decoder says of an item that was tampered with: any answer, within its memory. */
static void tamper(const telem_column *c, uint8_t name, const uint8_t *item, size_t size, uint32_t n, uint64_t *rng) {
    size_t cut = size, raw = (size_t)n * c->width, i;
    uint8_t *own;
    int r;
    uint64_t what = check_rand(rng);
    if (what % 5u == 0) cut = (size_t)(check_rand(rng) % (size + 1u));
    own = (uint8_t *)malloc(cut ? cut : 1u);
    memcpy(own, item, cut);
    for (i = 0; cut && i <= (what >> 8 & 3u); i++) {
        uint64_t x = check_rand(rng);
        size_t at = (size_t)(x >> 16) % (x & 1u ? cut : cut < 40 ? cut : 40u);
        own[at] = (uint8_t)(x & 2u ? own[at] ^ 1u << (x >> 8 & 7u) : x >> 8);
    }
    if (what % 11u == 0) name = (uint8_t)(check_rand(rng) % 32u);
    memset(back + raw, 0x3C, GUARD);
    r = telem_i_file_numbers_decode(&codec, c, name, own, cut, n, back);
    CHECK(r >= -1 && r <= 1);
    for (i = 0; i < GUARD; i++) CHECK(back[raw + i] == 0x3C);
    free(own);
}

TEST(tampered_items_do_no_harm) {
    uint64_t rng = check_seed();
    uint32_t round, i, rounds = check_quick() ? 1500 : 8000;
    uint8_t name;
    uint32_t seen = 1u << 7 | 1u << TELEM_I_FILE_LZ4ED, all = 0; /* 7 is not used, LZ4 not always there */
    for (i = TELEM_I_FILE_INTS32; i <= TELEM_I_FILE_NARROW; i++) all |= 1u << i;
    for (round = 0; round < rounds || ((seen & all) != all && round < 40u * rounds); round++) { /* each codec comes up */
        uint32_t n = 1u + (uint32_t)(check_rand(&rng) % 700u), p = round % PATTERNS;
        telem_column c = column_of(all_types[check_rand(&rng) % TYPES], 0);
        uint8_t *item;
        int64_t size;
        if (round % 3u == 0) c = column_of(round & 1u ? TELEM_F64 : TELEM_F32, 0);
        if (round % 16u == 0) make_codec(700);
        fill(wanted, &c, p, n, &rng);
        codec.off = (uint64_t)(check_rand(&rng) % 4u ? 0 : check_rand(&rng)) << 32;
        size = round_trip(&c, NULL, wanted, n, &name);
        if (size < 0) return;
        if (size == 0) continue;
        seen |= (uint32_t)1 << name;
        item = (uint8_t *)malloc((size_t)size);
        memcpy(item, coded, (size_t)size);
        for (i = 0; i < 12; i++) tamper(&c, name, item, (size_t)size, n, &rng);
        free(item);
    }
    CHECK_EQ_INT(seen & all, all);
}

TEST(an_lz4_column_without_lz4_is_unsupported) {
    telem_column c = column_of(TELEM_U16, 0);
    static const uint8_t item[] = {0x40, 1, 0, 2, 0}; /* four literals */
    uint16_t v[2] = {9, 9};
    int r;
    make_codec(64);
    r = telem_i_file_numbers_decode(&codec, &c, TELEM_I_FILE_LZ4ED, item, sizeof item, 2, v);
#if defined(TELEM_NO_LZ4)
    CHECK_EQ_INT(r, -1);
    CHECK_EQ_INT(v[0], 9);
#else
    CHECK_EQ_INT(r, 1);
    CHECK(v[0] == 1 && v[1] == 2);
#endif
    CHECK_EQ_INT(telem_i_file_numbers_decode(&codec, &c, 31, item, sizeof item, 2, v), -1);
    CHECK_EQ_INT(telem_i_file_numbers_decode(&codec, &c, 0, item, sizeof item, 2, v), 0);
}

int main(void) {
    coded = (uint8_t *)malloc(MOST * 8u + GUARD);
    wanted = (uint8_t *)malloc(MOST * 8u + GUARD);
    back = (uint8_t *)malloc(MOST * 8u + GUARD);
    RUN(every_type_comes_back_to_the_bit);
    RUN(a_block_may_have_65536_rows);
    RUN(columns_of_nothing_but_odd_floats);
    RUN(a_kept_choice_meets_other_data);
    RUN(anything_may_be_switched_off);
    RUN(structure_is_found);
    RUN(a_factor_of_any_size_is_found);
    RUN(steps_are_found_alike_on_every_machine);
    RUN(declared_decimals_are_used_first);
    RUN(products_and_quotients_are_rounded_once);
    RUN(quicker_ways_round_the_same);
    RUN(any_lattice_decodes_by_the_formula);
    RUN(sums_of_all_machines_agree);
    RUN(narrow_and_wide_floats_meet);
    RUN(multiples_against_the_manual_are_refused);
    RUN(tampered_items_do_no_harm);
    RUN(an_lz4_column_without_lz4_is_unsupported);
    return check_main_end();
}
