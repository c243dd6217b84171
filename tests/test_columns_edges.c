/* Every codec of numbers (telem_file.h, section 8.6) at every edge: series that each ask for one codec, with odd
   values strewn over them, in all row counts; what comes back is compared to the bit, and each pair of codec and
   edge that can meet must have met. */
#define _POSIX_C_SOURCE 200809L
#define TELEM_STATIC
#define TELEM_IMPLEMENTATION
#include "telem_file.h"
#include "check.h"

enum { MOST = 65536, GUARD = 64 };

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

/* --- series --- */

enum { PLAIN32, PLAIN64, LATTICE32, LATTICE64, ORDERED16, ORDERED32, ORDERED64, TENS32, TENS64, RATIO, BASE32, BASE64, ULPS, RANKS, RANKS_INT,
       WHOLE_LZ4, BYTE_PLANES, NARROW, SERIES };

#define PLAIN_ONLY (TELEM_I_FILE_OFF_RANK | TELEM_I_FILE_OFF_BYTES | TELEM_I_FILE_OFF_WHOLE_LZ4)
static const struct {
    const char *name;
    uint8_t type, width, codec, form; /* form: of MULTIPLE, else 255 */
    uint64_t off;                     /* what would take its place */
} series[SERIES] = {
    {"plain 32", TELEM_I32, 4, TELEM_I_FILE_INTS32, 255, PLAIN_ONLY},
    {"plain 64", TELEM_I64, 8, TELEM_I_FILE_INTS64, 255, PLAIN_ONLY},
    {"lattice 32", TELEM_U32, 4, TELEM_I_FILE_LATTICE32, 255, PLAIN_ONLY},
    {"lattice 64", TELEM_U64, 8, TELEM_I_FILE_LATTICE64, 255, PLAIN_ONLY},
    {"ordered 16", TELEM_F16, 2, TELEM_I_FILE_ORDERED, 255, PLAIN_ONLY},
    {"ordered 32", TELEM_F32, 4, TELEM_I_FILE_ORDERED, 255, PLAIN_ONLY},
    {"ordered 64", TELEM_F64, 8, TELEM_I_FILE_ORDERED, 255, PLAIN_ONLY},
    {"k / 10^e, f32", TELEM_F32, 4, TELEM_I_FILE_MULTIPLE, 0, PLAIN_ONLY},
    {"k / 10^e", TELEM_F64, 8, TELEM_I_FILE_MULTIPLE, 0, PLAIN_ONLY},
    {"k / 3", TELEM_F64, 8, TELEM_I_FILE_MULTIPLE, 0, PLAIN_ONLY},
    {"k * f32", TELEM_F32, 4, TELEM_I_FILE_MULTIPLE, 1, PLAIN_ONLY},
    {"k * f64", TELEM_F64, 8, TELEM_I_FILE_MULTIPLE, 2, PLAIN_ONLY},
    {"k * a * b, ulps", TELEM_F64, 8, TELEM_I_FILE_MULTIPLE, 0x40, PLAIN_ONLY},
    {"ranks", TELEM_F64, 8, TELEM_I_FILE_RANK, 255, TELEM_I_FILE_OFF_WHOLE_LZ4},
    {"ranks, u64", TELEM_U64, 8, TELEM_I_FILE_RANK, 255, TELEM_I_FILE_OFF_WHOLE_LZ4},
    {"LZ4", TELEM_U64, 8, TELEM_I_FILE_LZ4ED, 255, TELEM_I_FILE_OFF_RANK | TELEM_I_FILE_OFF_BYTES},
    {"planes", TELEM_U64, 8, TELEM_I_FILE_PLANES, 255, TELEM_I_FILE_OFF_WHOLE_LZ4},
    {"narrow", TELEM_F64, 8, TELEM_I_FILE_NARROW, 255, 0},
};

static uint64_t bits64(double v) {
    uint64_t b;
    memcpy(&b, &v, 8);
    return b;
}
static uint64_t bits32(double v) {
    float f = (float)v;
    uint32_t b;
    memcpy(&b, &f, 4);
    return b;
}

static uint64_t value(int which, uint32_t i, uint64_t *rng, uint64_t *walk) {
    static const volatile double factor = 0.00274658203125017, three = 3.0, tenth = 0.1, degree = 0.017453292519943295; /* as f64 on every machine */
    uint64_t r = check_rand(rng);
    double k = (double)(int32_t)(r % 900u + 100u + i % 1000u);
    switch (which) {
    case PLAIN32: return *walk = (*walk + r % 61u - 30u) & 0xFFFFFFFFu;
    case PLAIN64: return *walk += (r >> 26) - ((uint64_t)1 << 37);
    case LATTICE32: return 5u + 1000u * (r % 3000u + i);
    case LATTICE64: return 7u + 1000003u * (r >> 28);
    case ORDERED16: return 0x3C00u + (r & 0xFFu);
    case ORDERED32: return bits32(1.0 + (double)(*walk += r % 1999u) * 1.234567e-7);
    case ORDERED64: return bits64(1.0 + (double)(*walk += r % 1999u) * 1.234567890123e-9 + (double)(r >> 40) * 1e-15);
    case TENS32: return bits32(k / 100.0);
    case TENS64: return bits64(k / 100.0);
    case RATIO: return bits64(k / three);
    case BASE32: return bits32((double)(float)factor * k);
    case BASE64: return bits64(k * factor);
    case ULPS: {
        volatile double tenths = k * tenth; /* rounded twice */
        return bits64(tenths * degree);
    }
    case RANKS: return bits64(1.0 / (1.0 + (double)(r % 23u)) + 0.1234567890123);
    case RANKS_INT: return (r % 37u + 1u) * 0x9E3779B97F4A7C15u;
    case WHOLE_LZ4:
        r = ((uint64_t)(i % 173u) + 1u) * 0x9E3779B97F4A7C15u;
        return (r ^ r >> 29) * 0xBF58476D1CE4E5B9u;
    case BYTE_PLANES: return r % 3u | (uint64_t)(r >> 8 & 0x3Fu) << 8 | (uint64_t)(i & 255u) << 24 | (uint64_t)(r >> 20 & 1u) << 48 | (uint64_t)(r >> 30 & 15u) << 56;
    default: return bits64((double)(float)((double)(r >> 44) * 0.7301));
    }
}

/* --- edges --- */

enum { NONE, NANS, ZEROS, DENORMALS, STEPS, SEEN_ALONE, UNSEEN_ALONE, EDGES };
static const char *const edge_names[EDGES] = {"as it is", "a stretch of NaN", "+-0", "denormals", "INT_MIN steps", "odd where no sample looks", "odd where samples look"};

/* May a sample of n values look at number i? The windows of the fronts' and of the integers' samples. */
static int looked_at(uint32_t i, uint32_t n) {
    uint32_t w;
    for (w = 4; w <= 64; w *= 2) {
        uint32_t k = (uint32_t)((uint64_t)i * (w - 1u) / n), m;
        for (m = k ? k - 1u : 0; m <= k + 1u; m++)
            if (i - (uint32_t)((uint64_t)(n - 4u) * m / (w - 1u)) < 4u) return 1;
    }
    return i * 128u % n < 128u || i % 16u < 3u;
}

static int is_real(int which) { return series[which].type >= TELEM_F16 && series[which].type <= TELEM_F64; }

static uint64_t odd(int which, int edge, uint32_t i, uint64_t r) {
    uint32_t bits = series[which].width * 8u, fraction = bits == 64 ? 52 : bits == 32 ? 23 : 10;
    uint64_t sign = (uint64_t)1 << (bits - 1u), low = r & (((uint64_t)1 << fraction) - 1u);
    if (which == LATTICE32 || which == LATTICE64) { /* on the lattice, or no other number could be */
        uint64_t o = which == LATTICE32 ? 5 : 7, g = which == LATTICE32 ? 1000 : 1000003, most = (which == LATTICE32 ? UINT32_MAX : UINT64_MAX / 8u) / g - 1u;
        return o + g * (edge == NANS ? most : edge == STEPS ? (i & 1u ? most : 0) : edge < STEPS ? r & 1u : r % most);
    }
    if (which == NARROW) { /* a f32, or none could be */
        static const uint32_t bits32s[4] = {0x7F800001u, 0, 0x00800000u, 0x7F7FFFFFu};
        uint32_t b = edge > STEPS ? (uint32_t)r & 0xBFFFFFFFu : bits32s[edge - NANS] | (uint32_t)(edge == NANS ? r & 0x3FFFFFu : 0);
        return telem_i_file_widen((b & 0x7F800000u || !(b << 1) ? b : 0) | (i & 1u ? 0x80000000u : 0));
    }
    if (edge == NANS) return is_real(which) ? (sign - ((uint64_t)1 << fraction)) | low | 1u | (r >> 63 ? sign : 0) : sign;
    if (edge == ZEROS) return is_real(which) && r >> 63 ? sign : 0;
    if (edge == DENORMALS) return is_real(which) ? low | (r >> 63 ? sign : 0) : r & 1u;
    if (edge == STEPS) return i & 1u ? sign : sign - 1u;
    return r & (sign | (sign - 1u));
}

static void fill(int which, int edge, uint32_t n, uint32_t rare, uint64_t *rng) {
    uint32_t i, w = series[which].width;
    uint64_t walk = 1u << 20;
    for (i = 0; i < n; i++) {
        uint64_t v = value(which, i, rng, &walk), r = check_rand(rng), x = check_rand(rng);
        int is = edge == NANS ? i > n / 3u && i - n / 3u <= n / rare : edge == SEEN_ALONE ? !looked_at(i, n) && x % 4u == 0
               : edge == UNSEEN_ALONE ? looked_at(i, n) && x % rare == 0 : edge != NONE && x % rare == 0;
        if (is) v = odd(which, edge, i, r);
        if (w == 2) {
            uint16_t b = (uint16_t)v;
            memcpy(wanted + 2u * (size_t)i, &b, 2);
        } else if (w == 4) {
            uint32_t b = (uint32_t)v;
            memcpy(wanted + 4u * (size_t)i, &b, 4);
        } else {
            memcpy(wanted + 8u * (size_t)i, &v, 8);
        }
    }
}

/* Codes as a writer does; `forced`: by the kind of coding that the series is for, however badly it fares. */
static size_t encode(int which, const telem_column *c, uint32_t n, size_t cap, int forced, uint8_t *name) {
    uint32_t none[8] = {0, 0, 0, 0, 0, 0, 0, 0}, kind;
    telem_i_file_num_job j;
    uint8_t *end;
    if (!forced) return telem_i_file_numbers_encode(&codec, NULL, c, wanted, n, name, coded, cap);
    switch (series[which].codec) {
    case TELEM_I_FILE_RANK: kind = TELEM_I_FILE_IS_RANKS; break;
    case TELEM_I_FILE_LZ4ED: kind = TELEM_I_FILE_IS_LZ4; break;
    case TELEM_I_FILE_PLANES: kind = TELEM_I_FILE_IS_PLANES; break;
    default: kind = TELEM_I_FILE_IS_PLAIN;
    }
    memset(&j, 0, sizeof j);
    j.k = &codec;
    j.front = none;
    j.s.p = wanted;
    j.s.n = n;
    j.s.width = (uint8_t)c->width;
    j.s.type = c->type;
    end = telem_i_file_put_kind(&j, kind, name, coded, coded + cap);
    return end ? (size_t)(end - coded) : 0;
}

/* Codes and decodes n values; 1 when the series' codec took them, 0 when another one did, -1 when a check failed. */
static int round_trip(int which, uint32_t n, int forced) {
    size_t raw = (size_t)n * series[which].width, size, cap = forced ? raw + 256u : raw - 1u;
    telem_field field;
    telem_column c;
    uint8_t name = 0, *own;
    int r, i;
    memset(&field, 0, sizeof field);
    memset(&c, 0, sizeof c);
    c.field = &field;
    c.type = series[which].type;
    c.width = series[which].width;
    c.count = 1;
    memset(coded + cap, 0x5C, GUARD);
    size = encode(which, &c, n, cap, forced, &name);
    if (!check_that(size <= cap, __FILE__, __LINE__, "size <= cap")) return -1;
    for (i = 0; i < GUARD; i++)
        if (!check_that(coded[cap + (size_t)i] == 0x5C, __FILE__, __LINE__, "nothing behind the room")) return -1;
    if (size == 0) return 0;
    memset(back, 0x3C, raw + GUARD);
    own = (uint8_t *)malloc(size);
    memcpy(own, coded, size);
    memset(codec.bytes, 0xEE, codec.cap);
    memset(codec.c64, 0xDD, (size_t)codec.cap * 8u);
    r = telem_i_file_numbers_decode(&codec, &c, name, own, size, n, back);
    free(own);
    if (!check_that(r == 1 && memcmp(back, wanted, raw) == 0, __FILE__, __LINE__, "the values come back")) {
        printf("  %s, %u rows, codec %u, answer %d\n", series[which].name, n, name, r);
        return -1;
    }
    for (i = 0; i < GUARD; i++)
        if (!check_that(back[raw + (size_t)i] == 0x3C, __FILE__, __LINE__, "nothing behind the values")) return -1;
    if (name != series[which].codec) return 0;
    if (series[which].form == 0x40) return (coded[0] & TELEM_I_FILE_ULPS) != 0;
    return series[which].form == 255 || (coded[0] & 7u) == series[which].form;
}

static int absent(int which) { /* in this build */
#if defined(TELEM_NO_LZ4)
    return which == WHOLE_LZ4;
#else
    (void)which;
    return 0;
#endif
}

static uint32_t met[SERIES][EDGES];

TEST(every_codec_meets_every_edge) {
    static const uint32_t counts[] = {600, 1500, 9001}, rares[] = {3, 17, 150};
    uint64_t rng = 4711; /* what is met is always the same; the rounds behind the first are drawn */
    uint32_t round, rounds = check_quick() ? 2 : 7, i, j;
    int which, edge, level;
    for (round = 0; round < rounds; round++, rng = round == 1 ? check_seed() : rng)
        for (i = 0; i < 3; i++) {
            make_codec(counts[i]);
            for (which = 0; which < SERIES; which++)
                for (edge = 0; edge < EDGES; edge++)
                    for (level = 0; level < 3; level++)
                        for (j = 0; j < 3; j++) {
                            int r;
                            codec.level = (uint8_t)level;
                            codec.off = series[which].off;
                            fill(which, edge, counts[i], rares[j], &rng);
                            r = round_trip(which, counts[i], 0);
                            if (r < 0) {
                                printf("  %s, level %d, one in %u\n", edge_names[edge], level, rares[j]);
                                return;
                            }
                            met[which][edge] += (uint32_t)r;
                        }
        }
    for (which = 0; which < SERIES; which++)
        for (edge = 0; edge < EDGES; edge++)
            if (!met[which][edge] && !absent(which)) {
                printf("  never met: %s and %s\n", series[which].name, edge_names[edge]);
                CHECK(met[which][edge] > 0);
            }
}

static uint32_t met_counts[SERIES][8];
TEST(every_codec_meets_every_count) {
    static const uint32_t counts[] = {1, 2, 3, 17, 63, 65, 1025, 65536};
    uint64_t drawn = check_seed(), rng;
    uint32_t i, j;
    int which;
    for (i = 0; i < 8; i++) {
        make_codec(counts[i]);
        for (which = 0; which < SERIES; which++)
            for (rng = 4711, j = 0; j < (counts[i] > 5000 ? 1 : 3); j++) {
                int r;
                codec.level = (uint8_t)(2u - j);
                if (j == 2) rng = drawn += 7; /* two are always the same */
                codec.off = series[which].off;
                fill(which, NONE, counts[i], 17, &rng);
                r = round_trip(which, counts[i], 1);
                if (r < 0) return;
                met_counts[which][i] += (uint32_t)r;
            }
    }
    for (which = 0; which < SERIES; which++) /* fewer values may be cheaper, or like something else */
        for (i = 0; i < 8; i++) {
            int few = counts[i] < 17 ? which != WHOLE_LZ4 && which != BYTE_PLANES && which != NARROW && which != ORDERED16 && which != ORDERED32
                    : counts[i] < 1025 && (which == RANKS || which == RANKS_INT || (which >= RATIO && which <= ULPS));
            if (few || absent(which) || met_counts[which][i]) continue;
            printf("  never met: %s and %u rows\n", series[which].name, counts[i]);
            CHECK(met_counts[which][i] > 0);
        }
}

/* Items as the manual says them, of values that are all alike: good for any count. */
TEST(items_of_few_rows_are_read) {
    static const struct {
        uint8_t type, codec, size, item[24];
        uint64_t value;
    } items[] = {
        {TELEM_U32, TELEM_I_FILE_INTS32, 2, {0, 14}, 7},
        {TELEM_I64, TELEM_I_FILE_INTS64, 2, {0, 13}, 0xFFFFFFFFFFFFFFF9u},
        {TELEM_U64, TELEM_I_FILE_LATTICE32, 4, {6, 5, 0, 14}, 38},
        {TELEM_I64, TELEM_I_FILE_LATTICE64, 4, {5, 1, 0, 2}, 0xFFFFFFFFFFFFFFFEu},
        {TELEM_F16, TELEM_I_FILE_ORDERED, 2, {0, 1}, 0x8000},                                   /* t = -1: -0 */
        {TELEM_F64, TELEM_I_FILE_ORDERED, 2, {0, 2}, 1},                                        /* the least denormal number */
        {TELEM_F64, TELEM_I_FILE_MULTIPLE, 5, {0, 2, 1, 0, 100}, 0x3FE0000000000000u},          /* 50 / 100 */
        {TELEM_F64, TELEM_I_FILE_MULTIPLE, 7, {1, 0, 0, 0, 0x3F, 0, 2}, 0x3FE0000000000000u},   /* 1 * 0.5f */
        {TELEM_F64, TELEM_I_FILE_MULTIPLE, 11, {2, 0, 0, 0, 0, 0, 0, 0xE0, 0x3F, 0, 1}, 0xBFE0000000000000u}, /* -1 * 0.5 */
        {TELEM_F64, TELEM_I_FILE_MULTIPLE, 8, {0x40, 2, 1, 2, 0, 1, 0, 100}, 0x3FDFFFFFFFFFFFFFu}, /* an ulp less */
        {TELEM_F32, TELEM_I_FILE_MULTIPLE, 7, {0x58, 0, 1, 2, 0, 2, 0}, 0},                     /* cut: refused, see below */
        {TELEM_U64, TELEM_I_FILE_RANK, 13, {1, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0}, 0},         /* cut */
        {TELEM_U64, TELEM_I_FILE_RANK, 14, {1, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0}, 0x0807060504030201u},
        {TELEM_F64, TELEM_I_FILE_RANK, 8, {1, 3, 6, 0, 2, 0, 0, 0}, 1},                         /* a dictionary of codec 6 */
        {TELEM_U16, TELEM_I_FILE_PLANES, 6, {2, 0, 4, 2, 0, 6}, 0x0302},
        {TELEM_F64, TELEM_I_FILE_NARROW, 4, {TELEM_I_FILE_ORDERED, 0, 1, 0}, 0},                /* a byte too many */
        {TELEM_F64, TELEM_I_FILE_NARROW, 3, {TELEM_I_FILE_ORDERED, 0, 1}, 0x8000000000000000u},
    };
    static const uint32_t counts[] = {1, 2, 3, 65536};
    uint32_t i, k, j;
    make_codec(65536);
    for (i = 0; i < sizeof items / sizeof *items; i++)
        for (k = 0; k < 4; k++) {
            telem_field field;
            telem_column c;
            int refused = items[i].value == 0, r;
            memset(&field, 0, sizeof field);
            memset(&c, 0, sizeof c);
            c.field = &field;
            c.type = items[i].type;
            c.width = c.type == TELEM_U16 || c.type == TELEM_F16 ? 2 : c.type == TELEM_U32 || c.type == TELEM_F32 ? 4 : 8;
            c.count = 1;
            r = telem_i_file_numbers_decode(&codec, &c, items[i].codec, items[i].item, items[i].size, counts[k], back);
            if (r != !refused) printf("  item %u, %u rows: %d\n", i, counts[k], r);
            CHECK_EQ_INT(r, !refused);
            for (j = 0; r == 1 && j < counts[k]; j++) {
                uint8_t want[8];
                memset(want, 0, 8);
                if (c.width == 2) {
                    uint16_t b = (uint16_t)items[i].value;
                    memcpy(want, &b, 2);
                } else if (c.width == 4) {
                    uint32_t b = (uint32_t)items[i].value;
                    memcpy(want, &b, 4);
                } else {
                    memcpy(want, &items[i].value, 8);
                }
                if (memcmp(back + (size_t)j * c.width, want, c.width) == 0) continue;
                printf("  item %u, %u rows: value %u\n", i, counts[k], j);
                CHECK(0);
                return;
            }
        }
}

int main(void) {
    coded = (uint8_t *)malloc(MOST * 8u + 256u + GUARD);
    wanted = (uint8_t *)malloc(MOST * 8u + GUARD);
    back = (uint8_t *)malloc(MOST * 8u + GUARD);
    RUN(every_codec_meets_every_edge);
    RUN(every_codec_meets_every_count);
    RUN(items_of_few_rows_are_read);
    return check_main_end();
}
