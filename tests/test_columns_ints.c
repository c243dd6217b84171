/* The integer streams of the columns coding (telem_file.h, section 8.5): both widths, every predictor and
   coder at its edges, the same bytes everywhere, and decoders that stand any bytes. */
#define _POSIX_C_SOURCE 200809L
#define TELEM_STATIC
#define TELEM_IMPLEMENTATION
#include <stdint.h>
static uint32_t step_values = 512, step_pushed = 256, step_hash = 8192, step_write = 32768, step_state = 256, step_sections = 1;
#define TELEM_I_FILE_STEP step_values /* as they are in telem_file.h, until a test draws others */
#define TELEM_I_FILE_PUSHED step_pushed
#define TELEM_I_FILE_HASH_PIECE step_hash
#define TELEM_I_FILE_WRITE_PIECE step_write
#define TELEM_I_FILE_STATE_PIECE step_state
#define TELEM_I_FILE_HEAD_SECTIONS step_sections
#include "telem_file.h"
#include "check.h"

enum { MOST = 65536, ROOM = MOST * 9 + 4096, GUARD = 64 };

#define HOLDS(cond) check_that((cond) ? 1 : 0, __FILE__, __LINE__, #cond)

static telem_i_file_codec codec;
static uint8_t *coded;
static uint64_t *wide, *wide_back;
static uint32_t *narrow, *narrow_back;

/* 64-aligned memory full of rubbish, each part for itself, so that a sanitizer sees a step behind it. */
static uint64_t *part(uint8_t **memory, size_t size) {
    uint8_t *p;
    free(*memory);
    *memory = (uint8_t *)malloc(size + 64u);
    p = *memory + (64u - (uintptr_t)*memory % 64u);
    memset(p, 0xA5, size);
    return (uint64_t *)(void *)p;
}
/* The scratch of a writer or reader for exactly `cap` rows. */
static void make_codec(uint32_t cap) {
    static uint8_t *memory[3];
    size_t words = (size_t)((cap + 63u) / 64u * 64u) + 1024u;
    memset(&codec, 0, sizeof codec);
    codec.cap = (cap + 63u) / 64u * 64u;
    codec.a64 = part(&memory[0], words * 8u);
    codec.b64 = part(&memory[1], words * 8u);
    codec.a32 = (uint32_t *)(void *)codec.a64;
    codec.b32 = (uint32_t *)(void *)codec.b64;
    codec.table = part(&memory[2], 65536u);
    codec.table_size = 65536u;
}

static void make_buffers(void) {
    coded = (uint8_t *)malloc(ROOM + GUARD);
    wide = (uint64_t *)malloc((MOST + 1u) * sizeof *wide);
    wide_back = (uint64_t *)malloc((MOST + 1u) * sizeof *wide);
    narrow = (uint32_t *)malloc((MOST + 1u) * sizeof *narrow);
    narrow_back = (uint32_t *)malloc((MOST + 1u) * sizeof *narrow);
}

static size_t encode(int bits, uint32_t *choice, uint32_t n, size_t cap) {
    return bits == 64 ? telem_i_file_ints64_encode(&codec, choice, wide, n, coded, cap)
                      : telem_i_file_ints32_encode(&codec, choice, narrow, n, coded, cap);
}
/* From a copy of its own size, so that a sanitizer sees a step too far; the guard behind the values must stay. */
static int decode(int bits, const uint8_t *bytes, size_t size, uint32_t n) {
    uint8_t *own = (uint8_t *)malloc(size ? size : 1u);
    int ok;
    memcpy(own, bytes, size);
    wide_back[n] = 0x1122334455667788u;
    narrow_back[n] = 0x99AABBCCu;
    ok = bits == 64 ? telem_i_file_ints64_decode(&codec, own, size, n, wide_back)
                    : telem_i_file_ints32_decode(&codec, own, size, n, narrow_back);
    HOLDS(wide_back[n] == 0x1122334455667788u && narrow_back[n] == 0x99AABBCCu);
    free(own);
    return ok;
}

/* Codes and decodes n of the values in wide (narrow: their low halves). The size; 0 after a failed check. */
static size_t round_trip(int bits, uint32_t *choice, uint32_t n, size_t cap) {
    size_t size, i;
    if (bits == 32)
        for (i = 0; i < n; i++) narrow[i] = (uint32_t)(wide[i] & 0xFFFFFFFFu);
    memset(coded + cap, 0x5C, GUARD);
    size = encode(bits, choice, n, cap);
    if (!HOLDS(size <= cap)) return 0;
    for (i = 0; i < GUARD; i++)
        if (!HOLDS(coded[cap + i] == 0x5C)) return 0;
    if (!size) return 0;
    if (!HOLDS(decode(bits, coded, size, n))) return 0;
    if (!HOLDS(bits == 64 ? !memcmp(wide, wide_back, n * sizeof *wide) : !memcmp(narrow, narrow_back, n * sizeof *narrow))) return 0;
    return size;
}

/* Series that each ask for something else. */
enum { SHAPES = 23 };
static void fill(int shape, uint32_t n, uint64_t *rng) {
    uint64_t at = check_rand(rng), step = check_rand(rng), mask, speed = 0, push = 0;
    uint32_t i;
    step >>= check_rand(rng) % 64u;
    mask = step | step >> 1 | 1u;
    for (i = 0; i < n; i++) {
        uint64_t r = check_rand(rng), small = (r >> 32) & mask & 0xFFu;
        switch (shape) {
        case 0: wide[i] = at; break;                                              /* all equal */
        case 1: wide[i] = at + i * step; break;                                   /* a clock */
        case 2: wide[i] = at + (uint64_t)i * i * step + i; break;                 /* a parabola */
        case 3: wide[i] = r; break;                                               /* noise of all bits */
        case 4: wide[i] = r & mask; break;                                        /* noise of some bits */
        case 5: wide[i] = i % 2u ? (uint64_t)1 << 63 : ((uint64_t)1 << 63) - 1u; break; /* steps over the whole range */
        case 6: wide[i] = i % 2u ? 0x80000000u : 0x7FFFFFFFu; break;
        case 7: wide[i] = r % 40u ? at : r; break;                                /* few others */
        case 8: wide[i] = at += r % 30u ? 0 : r & mask; break;                    /* holds and jumps */
        case 9: wide[i] = at += small; break;                                     /* a walk upwards */
        case 10: wide[i] = at += small - 100u; break;                             /* a walk */
        case 11: wide[i] = i < 7u ? r & mask : wide[i - 7u] + r % 3u; break;      /* every seventh alike */
        case 12: wide[i] = at += (i % 5u) * 1000u + r % 2u; break;                /* steps that repeat */
        case 13: wide[i] = (r >> 60) * 1000003u; break;                           /* few distinct */
        case 14: wide[i] = r % 100u ? r & 0xFu : r & mask; break;                 /* small with outliers */
        case 15: wide[i] = (r & mask) >> ((r >> 58) % 60u); break;                /* every magnitude */
        case 16: wide[i] = i < n / 2u ? small : at + i * step; break;             /* two lives: fools the sample */
        case 17: wide[i] = i + 1u == n ? r : at; break;                           /* all equal but for the last */
        case 18: wide[i] = at += speed += push += step & 0xFFu; break;            /* a cubic curve */
        case 19: wide[i] = at += speed += push += small & 0xFu; break;            /* the third difference is noise.. */
        case 20: wide[i] = at += speed += push += r % 50u ? 1u : r >> 54; break;  /* ..or rare */
        case 21: wide[i] = at += speed += r % 50u ? 1u : r >> 54; break;          /* so is the second one */
        default: wide[i] = i < 8u ? r & mask : wide[i - 7u] + (r % 50u ? 0 : r >> 54); break; /* every seventh alike, nearly always */
        }
    }
}

static const uint32_t edges[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 63, 64, 65, 66, 127, 128, 255, 256, 257, 399, 400,
                                 511, 512, 513, 640, 1023, 1024, 1025, 2047, 2048, 2049, 4095, 4096, 5000, 16384, 65535, 65536};

TEST(every_shape_comes_back_at_every_edge) {
    uint64_t rng = 4711; /* always the same, so that each pair of predictor and coder is met; the next test draws */
    uint32_t met[6][4];
    size_t e;
    int shape, i, j;
    memset(met, 0, sizeof met);
    for (e = 0; e < sizeof edges / sizeof edges[0]; e++) {
        uint32_t n = edges[e];
        if (check_quick() && n > 5000u && n != 65536u) continue;
        make_codec(n ? n : 1u);
        for (shape = 0; shape < SHAPES; shape++) {
            codec.level = (uint8_t)(check_rand(&rng) % 3u);
            fill(shape, n, &rng);
            CHECK(round_trip(64, NULL, n, ROOM));
            met[coded[0] & 15u][coded[0] >> 4]++;
            CHECK(round_trip(32, NULL, n, ROOM));
            met[coded[0] & 15u][coded[0] >> 4]++;
        }
    }
    for (i = 0; i < 6; i++)
        for (j = 0; j < 4; j++) {
            if (i >= 4 && j == 0) continue; /* the values before the first lag are other ones */
            if (!met[i][j]) printf("  never met: predictor %d with coder %d\n", i, j);
            CHECK(met[i][j] > 0);
        }
}

TEST(random_lengths_levels_and_modes_come_back) {
    uint64_t rng = check_seed();
    int round, rounds = check_quick() ? 1500 : 20000;
    for (round = 0; round < rounds; round++) {
        uint32_t n = (uint32_t)(check_rand(&rng) % (round % 50 ? 1500u : 20000u));
        make_codec(n ? n : 1u);
        codec.level = (uint8_t)(round % 3);
        codec.off = round % 4 ? 0 : check_rand(&rng) & 0xFFFFu;
        fill((int)(check_rand(&rng) % SHAPES), n, &rng);
        if (!HOLDS(round_trip(64, NULL, n, ROOM) && round_trip(32, NULL, n, ROOM))) break;
    }
}

TEST(what_does_not_fit_is_refused_and_nothing_is_written_behind) {
    uint64_t rng = check_seed();
    int round, rounds = check_quick() ? 1500 : 20000, refused = 0;
    for (round = 0; round < rounds; round++) {
        uint32_t n = 1u + (uint32_t)(check_rand(&rng) % 700u);
        int bits = round & 1 ? 64 : 32;
        make_codec(n);
        fill((int)(check_rand(&rng) % SHAPES), n, &rng);
        refused += !round_trip(bits, NULL, n, (size_t)(check_rand(&rng) % (n * 9u + 40u)));
        (void)round_trip(bits, NULL, n, (size_t)n * (unsigned)bits / 8u - 1u);
    }
    CHECK(refused > rounds / 20);
}

TEST(never_larger_than_plain_and_one_in_a_hundred) {
    uint64_t rng = check_seed();
    int shape;
    make_codec(20000);
    for (shape = 0; shape < SHAPES; shape++) {
        fill(shape, 20000, &rng);
        CHECK(round_trip(64, NULL, 20000, ROOM) <= 20000u * 8u * 101u / 100u);
        CHECK(round_trip(32, NULL, 20000, ROOM) <= 20000u * 4u * 101u / 100u);
    }
}

static uint8_t head_of(int shape, uint32_t n, size_t *size) { /* with a seed of its own: the choice is tested */
    uint64_t rng = 42;
    make_codec(n);
    codec.level = 2; /* where time costs next to nothing */
    fill(shape, n, &rng);
    *size = round_trip(64, NULL, n, ROOM);
    return coded[0];
}

TEST(each_shape_gets_what_fits_it) {
    size_t size;
    CHECK_EQ_INT(head_of(0, 5000, &size), 0x00);
    CHECK(size <= 11);
    CHECK_EQ_INT(head_of(1, 5000, &size), 0x01);
    CHECK(size <= 21);
    CHECK_EQ_INT(head_of(2, 5000, &size), 0x02);
    CHECK(size <= 31);
    CHECK_EQ_INT(head_of(3, 5000, &size), 0x10);
    CHECK_EQ_INT(head_of(7, 5000, &size), 0x20);
    CHECK_EQ_INT(head_of(8, 5000, &size), 0x21);
    CHECK_EQ_INT(head_of(10, 5000, &size), 0x31);
    CHECK_EQ_INT(head_of(11, 5000, &size), 0x34);
    CHECK_EQ_INT(coded[1], 7);
    CHECK_EQ_INT(head_of(12, 5000, &size), 0x35);
    CHECK_EQ_INT(coded[1] % 5, 0);
    CHECK(head_of(14, 5000, &size) >> 4 & 1); /* packed or binned */
}

TEST(entropy_coding_comes_near_the_entropy) { /* a geometric series of 2 bits a value; 16 values alike: 4 bits */
    uint64_t rng = 7;
    uint32_t i, n = 65536;
    make_codec(n);
    codec.level = 2;
    for (i = 0; i < n; i++) wide[i] = telem_i_file_bit_length(check_rand(&rng) >> 1 | 1u) ^ 63u;
    CHECK(round_trip(64, NULL, n, ROOM) * 8u < n * 203u / 100u);
    for (i = 0; i < n; i++) wide[i] = (check_rand(&rng) >> 60) * 3u;
    CHECK(round_trip(32, NULL, n, ROOM) * 8u < n * 402u / 100u);
}

TEST(a_favourite_is_found_wherever_it_lies) { /* 7 in 16 are one value, a bit to tell them; the others fill 40 bits */
    uint64_t rng = check_seed();
    uint32_t i, round, n = 2048, found = 0;
    make_codec(n);
    codec.level = 2;
    for (round = 0; round < 64; round++) { /* fifteen values are looked at: one time in sixty hardly any is it */
        for (i = 0; i < n; i++) wide[i] = (check_rand(&rng) & 15u) < 7u ? (uint64_t)round << 34 : check_rand(&rng) >> 24;
        found += round_trip(64, NULL, n, ROOM) * 8u < n * 26u;
    }
    CHECK(found >= 52);
}

TEST(a_kept_choice_serves_other_data_too) {
    uint64_t rng = check_seed();
    uint32_t choice[2][8];
    int round;
    memset(choice, 0, sizeof choice);
    make_codec(3000);
    for (round = 0; round < 300; round++) {
        uint32_t n = round % 3 ? 3000u : 1u + (uint32_t)(check_rand(&rng) % 3000u);
        fill((int)(check_rand(&rng) % SHAPES), n, &rng);
        CHECK(round_trip(64, choice[0], n, ROOM));
        CHECK(round_trip(32, choice[1], n, ROOM));
    }
}

TEST(same_bytes_on_every_target) { /* the sum of all bytes written: changes with the format or a choice only */
    uint64_t rng = 12345, sum = 0;
    int shape, level;
    make_codec(3000);
    for (level = 0; level < 3; level++)
        for (shape = 0; shape < SHAPES; shape++) {
            uint32_t n = 100u + (uint32_t)(check_rand(&rng) % 2900u);
            codec.level = (uint8_t)level;
            fill(shape, n, &rng);
            sum = sum * 31u + XXH64(coded, round_trip(64, NULL, n, ROOM), 0);
            sum = sum * 31u + XXH64(coded, round_trip(32, NULL, n, ROOM), 0);
        }
    CHECK_EQ_INT(sum, 9895266101135217196u);
}

/* --- steps --- */

/* 1 to `most`, small ones as often as large ones. */
static uint32_t drawn(uint64_t *rng, uint32_t most) { return 1u + (uint32_t)(check_rand(rng) >> 20) % (most >> (check_rand(rng) >> 32) % 10u); }
static void draw_steps(uint64_t *rng) {
    step_values = drawn(rng, 2048);
    step_pushed = 4u * drawn(rng, 512);
    step_hash = drawn(rng, 65536);
    step_write = drawn(rng, 65536);
    step_state = drawn(rng, 1024);
    step_sections = drawn(rng, 1024);
}
static void usual_steps(void) {
    step_values = 512, step_pushed = 256, step_hash = 8192, step_write = 32768, step_state = 256, step_sections = 1;
}

/* As encode, each step of a size of its own. */
static size_t encode_in_steps(int bits, uint32_t *choice, uint32_t n, uint8_t *out, size_t cap, uint64_t *rng) {
    static telem_i_file_coding32 a;
    static telem_i_file_coding64 b;
    if (bits == 32) {
        telem_i_file_coding_begin32(&a, &codec, choice, narrow, n, out, cap, 0);
        for (; a.stage < TELEM_I_FILE_CODING_DONE; draw_steps(rng)) (void)telem_i_file_coding_step32(&a);
        return a.stage == TELEM_I_FILE_CODING_DONE ? (size_t)(a.p - out) : 0;
    }
    telem_i_file_coding_begin64(&b, &codec, choice, wide, n, out, cap, 0);
    for (; b.stage < TELEM_I_FILE_CODING_DONE; draw_steps(rng)) (void)telem_i_file_coding_step64(&b);
    return b.stage == TELEM_I_FILE_CODING_DONE ? (size_t)(b.p - out) : 0;
}

TEST(steps_of_any_size_give_the_same_bytes) {
    uint64_t rng = check_seed();
    uint8_t *again = (uint8_t *)malloc(ROOM);
    uint32_t choice[2][8], i, met = 0;
    int round, rounds = check_quick() ? 1000 : 12000;
    for (round = 0; round < rounds; round++) {
        uint32_t n = (uint32_t)(check_rand(&rng) % (round % 9 ? 3000u : 20000u));
        int bits = round & 1 ? 64 : 32;
        size_t size, cap = round % 5 ? (size_t)ROOM : (size_t)(check_rand(&rng) % (n * 9u + 40u));
        if (round % 4 == 0) memset(choice, 0, sizeof choice); /* else the choice is kept for other data */
        make_codec(n ? n : 1u);
        codec.level = (uint8_t)(round % 3);
        codec.no_bins = (uint8_t)(round % 7 == 0);
        fill((int)(check_rand(&rng) % SHAPES), n, &rng);
        for (i = 0; bits == 32 && i < n; i++) narrow[i] = (uint32_t)(wide[i] & 0xFFFFFFFFu);
        memcpy(choice[1], choice[0], sizeof choice[0]);
        usual_steps();
        codec.turn = (uint32_t)round;
        size = encode(bits, choice[0], n, cap);
        draw_steps(&rng);
        codec.turn = (uint32_t)round;
        if (!HOLDS(encode_in_steps(bits, choice[1], n, again, cap, &rng) == size)) break;
        if (!HOLDS(memcmp(again, coded, size) == 0 && memcmp(choice[0], choice[1], sizeof choice[0]) == 0)) break;
        met |= size ? 1u << (coded[0] >> 4) : 16u;
    }
    CHECK_EQ_INT(met, 31); /* each coder, and what does not fit */
    usual_steps();
    free(again);
}

/* Whole blocks: loading, front ends, head, state, hash and write are cut at random, too. */
typedef struct lane {
    telem_file_writer w;
    telem_memory_io m;
    telem_io io;
    uint8_t *memory, *bytes;
} lane;
enum { LANE_BYTES = 6 << 20, LANE_F32 = 70 };
typedef struct lane_row {
    double d[4];
    float f[LANE_F32];
    int32_t i[5];
    uint16_t h[3];
    uint8_t yes;
} lane_row;

static void lane_open(lane *l, const telem_schema *schema, uint8_t pace, uint8_t level, uint32_t block_bytes) {
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    l->bytes = (uint8_t *)malloc(LANE_BYTES);
    l->io = telem_io_memory(&l->m, l->bytes, LANE_BYTES);
    d.io = &l->io;
    d.session = 5;
    d.pace = pace;
    d.level = level;
    d.block_bytes = block_bytes;
    s.id = 1;
    s.schema = schema;
    d.memory_size = telem_file_writer_bytes(&d) + telem_file_stream_bytes(&d, &s);
    d.memory = l->memory = (uint8_t *)malloc(d.memory_size);
    CHECK_OK(telem_file_writer_open(&l->w, &d));
    CHECK_OK(telem_file_add_stream(&l->w, &s));
}

static void lane_field(telem_schema_builder *b, const char *name, uint8_t type, uint32_t count) {
    telem_field f = TELEM_ZERO;
    f.name = name;
    f.type = type;
    f.count = (uint16_t)count;
    CHECK_OK(telem_schema_builder_add(b, &f));
}

/* What a channel does changes now and then: plans fail in the middle of a column. */
static double lane_value(uint32_t c, uint32_t row, uint64_t *rng) {
    double noise = (double)(check_rand(rng) >> 40) / 16777216.0;
    switch ((c + row / 3000u) % 9u) {
    case 0: return c;
    case 1: return (row / 50u) * 0.5;
    case 2: return (double)(int)(2048 + 900 * noise) * 0.001;
    case 3: return (double)(row % 1000u) * 0.01;
    case 4: return row % 400u ? (double)(int)(noise * 5000) / 100 : noise;
    case 5: return noise * 1e-3 + 5;
    case 6: return (double)(int)(noise * 100);
    case 7: return row % 90u ? 7 : noise;
    default: return (double)row * row;
    }
}

TEST(blocks_in_steps_of_any_size_are_the_same_bytes) {
    uint64_t rng = check_seed();
    int round, rounds = check_quick() ? 2 : 30;
    for (round = 0; round < rounds && !check_g.bad; round++) {
        static uint8_t memory[65536];
        telem_schema_builder b;
        const telem_schema *schema = NULL;
        lane l[2];
        lane_row r;
        uint32_t i, c, rows = 2000u + (uint32_t)(check_rand(&rng) % 9000u), size = round % 3 ? 0 : 8192u;
        memset(l, 0, sizeof l);
        memset(&r, 0, sizeof r);
        CHECK_OK(telem_schema_builder_init(&b, memory, sizeof memory, "row", ""));
        lane_field(&b, "d", TELEM_F64, 4);
        lane_field(&b, "f", TELEM_F32, LANE_F32);
        lane_field(&b, "i", TELEM_I32, 5);
        lane_field(&b, "h", TELEM_U16, 3);
        lane_field(&b, "yes", TELEM_BOOL, 1);
        CHECK_OK(telem_schema_builder_finish(&b, &schema));
        usual_steps();
        for (i = 0; i < 2; i++) lane_open(&l[i], schema, i ? TELEM_FILE_HELPER : TELEM_FILE_AT_ONCE, (uint8_t)(round % 2 ? TELEM_FILE_FAST : TELEM_FILE_DEFAULT), size);
        for (i = 0; i < rows; i++) {
            for (c = 0; c < 4; c++) r.d[c] = lane_value(c + 3u, i, &rng);
            for (c = 0; c < LANE_F32; c++) r.f[c] = (float)lane_value(c, i, &rng);
            for (c = 0; c < 5; c++) r.i[c] = (int32_t)(1000 * lane_value(c + 1u, i % 3000u, &rng));
            for (c = 0; c < 3; c++) r.h[c] = (uint16_t)(check_rand(&rng) >> (50u + c));
            r.yes = (uint8_t)(i / 70u % 2u);
            usual_steps();
            CHECK_OK(telem_file_write(&l[0].w, 1, (int64_t)i * 1000, &r));
            CHECK_OK(telem_file_write(&l[1].w, 1, (int64_t)i * 1000, &r));
            do draw_steps(&rng);
            while (telem_file_work(&l[1].w) > 0 && i % 7u); /* all of it; every seventh row a step */
        }
        for (i = 0; i < 2; i++) CHECK_OK(telem_file_writer_close(&l[i].w));
        CHECK(l[0].m.size > 100000);
        CHECK_EQ_INT(l[1].m.size, l[0].m.size);
        CHECK(memcmp(l[0].bytes, l[1].bytes, l[0].m.size) == 0);
        for (i = 0; i < 2; i++) {
            free(l[i].memory);
            free(l[i].bytes);
        }
    }
    usual_steps();
}

/* --- bytes written by hand from the specification --- */

static int reads32(const uint8_t *bytes, size_t size, const uint32_t *values, uint32_t n) {
    return decode(32, bytes, size, n) && !memcmp(narrow_back, values, n * sizeof *values);
}

TEST(streams_written_by_hand_are_read) {
    static const uint8_t constant[] = {0x00, 0x0A};                     /* 5 */
    static const uint8_t clock[] = {0x01, 0x14, 0x05};                  /* from 10 by -3 */
    static const uint8_t packed[] = {0x10, 0x02, 0x13, 0xE4};           /* base -10, width 2: 0 1 2 3 */
    static const uint8_t patched[] = {0x10, 0x82, 0x00, 0x01, 0x02, 0x01, 0x0C, 0xE4}; /* [1] + 3 << 2 */
    static const uint8_t lag[] = {0x14, 0x02, 0x02, 0x00, 0x00};        /* 1, all residuals 0 */
    static const uint32_t a[] = {5, 5, 5}, b[] = {10, 7, 4, 1}, c[] = {0xFFFFFFF6u, 0xFFFFFFF7u, 0xFFFFFFF8u, 0xFFFFFFF9u},
                          d[] = {0, 13, 2, 3}, e[] = {1, 1, 1, 1};
    make_codec(64);
    CHECK(reads32(constant, sizeof constant, a, 3));
    CHECK(reads32(clock, sizeof clock, b, 4));
    CHECK(reads32(packed, sizeof packed, c, 4));
    CHECK(reads32(patched, sizeof patched, d, 4));
    CHECK(reads32(lag, sizeof lag, e, 4));
}

TEST(streams_against_the_specification_are_refused) {
    static const struct { uint8_t bytes[12]; uint8_t size, n; } bad[] = {
        {{0x00}, 0, 0}, {{0x01}, 1, 0}, {{0x00, 0x00}, 2, 0},        /* n = 0 is one byte 0 */
        {{0x00}, 1, 1},                                              /* no value */
        {{0x00, 0x0A, 0x00}, 3, 1},                                  /* a byte left over */
        {{0x00, 0x8A, 0x00}, 3, 1},                                  /* not the shortest varint */
        {{0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F}, 6, 1},                /* wider than 32 bits */
        {{0x06, 0x00, 0x00}, 3, 9}, {{0x40, 0x00}, 2, 9},            /* no such predictor, coder */
        {{0x01, 0x00, 0x00}, 3, 1}, {{0x03, 0x00, 0x00, 0x00, 0x00}, 5, 3}, /* too few for the order */
        {{0x04, 0x00, 0x00, 0x00}, 4, 9}, {{0x04, 0x08, 0x00, 0x00}, 4, 9}, /* lag 0, lag beyond n */
        {{0x10, 0x21, 0x00}, 3, 1},                                  /* 33 bits of 32 */
        {{0x10, 0x02, 0x00}, 3, 4}, {{0x10, 0x02, 0x00, 0xE4, 0x00}, 5, 4}, /* too short, too long */
        {{0x10, 0x82, 0x00, 0x05, 0x02, 0x01, 0x0C, 0xE4}, 8, 4},    /* more exceptions than values */
        {{0x10, 0x82, 0x00, 0x01, 0x1F, 0x01, 0x0C, 0xE4}, 8, 4},    /* 31 + 2 bits */
        {{0x10, 0x82, 0x00, 0x01, 0x00, 0x01, 0x0C, 0xE4}, 8, 4},    /* no bits */
        {{0x10, 0x82, 0x00, 0x01, 0x02, 0x04, 0x0C, 0xE4}, 8, 4},    /* exception behind the end */
        {{0x20, 0x00, 0x03, 0x02, 0x00, 0x00, 0x00, 0x00}, 8, 8},    /* more than a quarter */
        {{0x20, 0x00, 0x01, 0x02, 0x00, 0x10, 0x00, 0x02}, 8, 8},    /* position 8 of 8 */
        {{0x20, 0x00, 0x01, 0x04, 0x20, 0x00, 0x00, 0x00, 0x00, 0x02}, 10, 8}, /* sparse in sparse */
        {{0x30, 0x00, 0x00, 0x00, 0x00}, 5, 4},                      /* a tree without a bin */
        {{0x30, 0x00, 0x0C, 0x00, 0x00, 0x00}, 6, 4},                /* 2^12 states */
        {{0x30, 0x00, 0xF0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, 10, 4} /* a tree over more than 2^64 */
    };
    size_t i;
    make_codec(64);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!HOLDS(!decode(32, bad[i].bytes, bad[i].size, bad[i].n))) printf("   number %u\n", (unsigned)i);
}

TEST(every_prefix_and_every_longer_stream_is_refused) {
    uint64_t rng = check_seed();
    int shape;
    for (shape = 0; shape < SHAPES; shape++) {
        uint32_t n = 20u + (uint32_t)(check_rand(&rng) % 600u);
        uint8_t *whole = (uint8_t *)malloc(ROOM);
        size_t size, cut;
        make_codec(n);
        fill(shape, n, &rng);
        size = round_trip(64, NULL, n, ROOM);
        memcpy(whole, coded, size);
        whole[size] = 0;
        CHECK(!decode(64, whole, size + 1u, n));
        for (cut = 0; cut < size; cut += 1u + cut / 64u) CHECK(!decode(64, whole, cut, n));
        free(whole);
    }
}

TEST(damaged_and_random_bytes_do_no_harm) {
    uint64_t rng = check_seed();
    int round, rounds = check_quick() ? 4000 : 100000;
    uint8_t *bytes = (uint8_t *)malloc(ROOM);
    size_t size = 0;
    uint32_t n = 1;
    for (round = 0; round < rounds; round++) {
        uint32_t k = 1u + (uint32_t)(check_rand(&rng) % 4u);
        int bits = round & 16 ? 64 : 32;
        if (round % 16 == 0) {
            n = 1u + (uint32_t)(check_rand(&rng) % 1500u);
            make_codec(n);
            fill((int)(check_rand(&rng) % SHAPES), n, &rng);
            size = round_trip(bits, NULL, n, ROOM);
            memcpy(bytes, coded, size);
        }
        while (k--) {
            uint64_t r = check_rand(&rng);
            size_t at = (size_t)(r % (r >> 60 ? (size < 48u ? size : 48u) : size)); /* mostly among the heads */
            bytes[at] = (uint8_t)(r >> 32 & 1u ? r >> 40 & 0xFFu : (unsigned)bytes[at] ^ (1u << (r >> 40 & 7u)));
        }
        (void)decode(bits, bytes, size, n);
        (void)decode(bits == 64 ? 32 : 64, bytes, size, n);
        if (round % 16 == 15) { /* many bytes for few values, in scratch for these few */
            uint32_t few = 1u + (uint32_t)(check_rand(&rng) % n);
            make_codec(few);
            (void)decode(bits, bytes, size, few);
        }
    }
    free(bytes);
}

TEST(more_bytes_than_few_values_can_take_are_refused) { /* else they would be copied over the scratch's end */
    uint64_t rng = 7;
    uint32_t i, n = 65536;
    size_t size;
    uint8_t *bytes = (uint8_t *)malloc(ROOM);
    make_codec(n);
    codec.level = 2;
    for (i = 0; i < n; i++) wide[i] = telem_i_file_bit_length(check_rand(&rng) >> 1 | 1u) ^ 63u;
    size = round_trip(32, NULL, n, ROOM);
    CHECK(coded[0] >> 4 == 3 && size > 10000u);
    memcpy(bytes, coded, size);
    make_codec(64);
    for (i = 1; i <= 64; i++) {
        CHECK(!decode(32, bytes, size, i));
        CHECK(!decode(64, bytes, size, i));
    }
    free(bytes);
}

TEST(estimates_are_near_the_truth) {
    uint64_t rng = check_seed();
    uint32_t i, e;
    make_codec(8192);
    CHECK_EQ_INT(telem_i_file_ints_estimate64(&codec, wide, 0, 64), 0);
    for (i = 0; i < 8; i++) (void)telem_i_file_ints_estimate64(&codec, wide, i, 64); /* however few */
    fill(3, 1024, &rng);
    e = telem_i_file_ints_estimate64(&codec, wide, 1024, 64);
    CHECK(e > 60u * 16u && e < 68u * 16u);
    fill(1, 1024, &rng);
    CHECK(telem_i_file_ints_estimate64(&codec, wide, 1024, 64) < 8u);
    for (i = 0; i < 1024; i++) narrow[i] = (uint32_t)(check_rand(&rng) & 0xFFu);
    e = telem_i_file_ints_estimate32(&codec, narrow, 1024, 64);
    CHECK(e > 7u * 16u && e < 10u * 16u);
}

int main(void) {
    make_buffers();
    RUN(every_shape_comes_back_at_every_edge);
    RUN(random_lengths_levels_and_modes_come_back);
    RUN(what_does_not_fit_is_refused_and_nothing_is_written_behind);
    RUN(never_larger_than_plain_and_one_in_a_hundred);
    RUN(each_shape_gets_what_fits_it);
    RUN(entropy_coding_comes_near_the_entropy);
    RUN(a_favourite_is_found_wherever_it_lies);
    RUN(a_kept_choice_serves_other_data_too);
    RUN(same_bytes_on_every_target);
    RUN(steps_of_any_size_give_the_same_bytes);
    RUN(blocks_in_steps_of_any_size_are_the_same_bytes);
    RUN(streams_written_by_hand_are_read);
    RUN(streams_against_the_specification_are_refused);
    RUN(every_prefix_and_every_longer_stream_is_refused);
    RUN(damaged_and_random_bytes_do_no_harm);
    RUN(more_bytes_than_few_values_can_take_are_refused);
    RUN(estimates_are_near_the_truth);
    return CHECK_MAIN_END();
}
