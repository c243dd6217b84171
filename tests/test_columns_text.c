/* UNIT: native
   The columns coding's text, index and key parts of telem_file.h: strings at their edges, every mode against
   every kind of column, bytes that were tampered with. */
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem_file.h"
#include "check.h"

enum { CAP = 65536, TEXT = 1 << 21 };

static struct {
    telem_i_file_codec k;
    uint64_t a[CAP + 1024], b[CAP + 1024], c[CAP + 1024];
    uint64_t bytes[(CAP * 10 + 98304) / 8], text[TEXT / 8 + CAP], table[8192];
} g;

/* Columns under test and what comes back. */
static uint8_t raw[TEXT], coded[TEXT * 2], back[TEXT + CAP + 64];
static uint32_t offsets[CAP + 1], back_offsets[CAP + 1], idx[CAP], idx2[CAP], tmp[2 * CAP];

static void codec_init(uint32_t cap, uint8_t level, uint32_t off) {
    memset(&g.k, 0, sizeof g.k);
    memset(g.bytes, 0xA5, sizeof g.bytes);
    g.k.level = level, g.k.off = off, g.k.cap = (uint32_t)telem_i_file_scratch_rows(cap);
    g.k.a64 = g.a, g.k.b64 = g.b, g.k.c64 = g.c;
    g.k.a32 = (uint32_t *)(void *)g.a, g.k.b32 = (uint32_t *)(void *)g.b;
    g.k.bytes = (uint8_t *)g.bytes, g.k.text = (uint8_t *)g.text, g.k.text_size = sizeof g.text;
    g.k.table = g.table, g.k.table_size = sizeof g.table;
}

/* As a reader decodes: head, then the rest; rows one behind the other. */
static int decode_with(telem_i_file_codec *k, uint8_t codec, const uint8_t *p, size_t size, uint32_t n, uint8_t *out, uint32_t *at) {
    telem_i_file_texts t;
    telem_i_file_cursor c;
    uint8_t *bytes;
    uint32_t *places, *numbers, i, to = 0;
    size_t total;
    int r;
    memset(&t, 0, sizeof t);
    c.p = p, c.end = p + size, c.bad = 0;
    r = telem_i_file_text_head(codec, &c, n, &t.count, &total);
    if (r <= 0) return r;
    if (total > TEXT) return 0;
    bytes = (uint8_t *)malloc(total + 16u);
    places = (uint32_t *)malloc(4u * ((size_t)t.count + 1u));
    numbers = (uint32_t *)malloc(4u * (size_t)n + 1u);
    r = telem_i_file_text_decode(k, codec, &c, n, total, bytes, places, numbers, &t);
    for (i = 0; r && i < n; i++) {
        uint32_t s = telem_i_file_text_of(&t, i), len;
        int inside = s < t.count && places[s + 1] >= places[s] && places[s + 1] <= total;
        CHECK(inside);
        if (!inside) break;
        len = telem_i_file_text_length(&t, s);
        if (len > TEXT - to) break;
        memcpy(out + to, t.bytes + t.at[s], len);
        at[i] = to;
        to += len;
    }
    at[n] = to;
    free(bytes), free(places), free(numbers);
    return r;
}

/* A reader's scratch is made for the rows of its block, whatever the writer had; all in memory of exact size. */
static int decode_exactly(uint8_t codec, const uint8_t *p, size_t size, uint32_t n, uint8_t *out, uint32_t *at) {
    uint32_t rows = (uint32_t)telem_i_file_scratch_rows(n);
    size_t bytes = rows * 10u + 4096u < 98304u ? 98304u : rows * 10u + 4096u, words = (rows + 1024u) * 8u;
    telem_i_file_codec k = g.k;
    int r;
    k.cap = rows;
    k.a64 = (uint64_t *)malloc(words), k.b64 = (uint64_t *)malloc(words), k.c64 = (uint64_t *)malloc(words);
    k.a32 = (uint32_t *)(void *)k.a64, k.b32 = (uint32_t *)(void *)k.b64;
    k.bytes = (uint8_t *)malloc(bytes), k.table = malloc(65536), k.table_size = 65536;
    k.text = NULL, k.text_size = 0;
    r = decode_with(&k, codec, p, size, n, out, at);
    free(k.a64), free(k.b64), free(k.c64), free(k.bytes), free(k.table);
    return r;
}

static uint32_t used; /* rows of the column that is being made */
static void begin(void) { used = 0, offsets[0] = 0; }
static void add(const void *p, size_t n) {
    memcpy(raw + offsets[used], p, n);
    offsets[used + 1] = offsets[used] + (uint32_t)n;
    used++;
}
static void add_text(const char *s) { add(s, strlen(s)); }

/* Coded, decoded into memory of exactly the size that is asked for, and compared. Returns the coded size. */
static size_t round_trip(void) {
    uint8_t codec = 0;
    size_t total = offsets[used], size = telem_i_file_text_encode(&g.k, NULL, raw, offsets, used, &codec, coded, sizeof coded);
    CHECK(size != 0);
    if (!size) return 0;
    memset(back, 0xEE, sizeof back);
    memset(back_offsets, 0xEE, sizeof back_offsets);
    CHECK(decode_exactly(codec, coded, size, used, back, back_offsets) == 1);
    CHECK_MEM(back, raw, total);
    CHECK_MEM(back_offsets, offsets, (used + 1u) * sizeof offsets[0]);
    CHECK(decode_exactly(47, coded, size, used, back, back_offsets) == -1);
    return size;
}

static const uint32_t offs[] = {0, TELEM_I_FILE_OFF_DICTIONARY, TELEM_I_FILE_OFF_LZ, TELEM_I_FILE_OFF_FRONT,
                                TELEM_I_FILE_OFF_TEMPLATE, TELEM_I_FILE_OFF_DICTIONARY | TELEM_I_FILE_OFF_TEMPLATE,
                                TELEM_I_FILE_OFF_FRONT | TELEM_I_FILE_OFF_FOLLOW, TELEM_I_FILE_OFF_DICTIONARY | TELEM_I_FILE_OFF_LZ};

static void all_ways(uint32_t cap) {
    uint32_t i;
    uint8_t level;
    for (level = 0; level < 3; level++)
        for (i = 0; i < sizeof offs / sizeof offs[0]; i++) {
            codec_init(cap, level, offs[i]);
            round_trip();
        }
}

TEST(one_row) {
    begin(), add_text("x"), all_ways(64);
    begin(), add_text(""), all_ways(64);
    begin(), add("\0\0\0", 3), all_ways(64);
    begin(), add_text("a longer text, a longer text, a longer text, a longer text 12345"), all_ways(64);
}

TEST(empty_strings) {
    uint32_t i;
    for (begin(), i = 0; i < 1000; i++) add_text("");
    all_ways(1024);
    for (begin(), i = 0; i < 1000; i++) add_text(i % 7 ? "" : "seven");
    all_ways(1024);
}

TEST(all_equal_and_all_distinct) {
    uint32_t i;
    char s[64];
    for (begin(), i = 0; i < 3000; i++) add_text("the same");
    all_ways(3008);
    for (begin(), i = 0; i < 3000; i++) {
        sprintf(s, "%u/%u", i * 7919u % 3001u, i);
        add_text(s);
    }
    all_ways(3008);
}

TEST(rows_65536) {
    uint32_t i;
    char s[64];
    for (begin(), i = 0; i < CAP; i++) {
        sprintf(s, "%u", i);
        add_text(s);
    }
    codec_init(CAP, 0, 0), round_trip();
    codec_init(CAP, 0, TELEM_I_FILE_OFF_TEMPLATE), round_trip();
    for (begin(), i = 0; i < CAP; i++) add_text(i % 3 ? "a" : i % 5 ? "b" : "c");
    codec_init(CAP, 0, 0), round_trip();
    for (begin(), i = 0; i < CAP; i++) add_text(i % 2 ? "" : "ab");
    codec_init(CAP, 1, 0), round_trip();
}

TEST(any_bytes) {
    uint64_t rng = check_seed();
    uint32_t i, j, n;
    uint8_t s[300];
    for (begin(), i = 0; i < 2000; i++) { /* every byte value: no byte is free to end a string */
        n = (uint32_t)(check_rand(&rng) % 260u);
        for (j = 0; j < n; j++) s[j] = (uint8_t)(check_rand(&rng) >> 33);
        add(s, n);
    }
    all_ways(2048);
    for (begin(), i = 0; i < 256; i++) s[0] = (uint8_t)i, add(s, 1);
    all_ways(256);
    for (begin(), i = 0; i < 600; i++) add("\xC3\x28\xFF\0\x80", i % 6u); /* not UTF-8, a zero inside */
    all_ways(640);
}

TEST(longest_strings) {
    uint32_t i;
    static uint8_t s[65535];
    memset(s, 'y', sizeof s);
    for (begin(), i = 0; i < 20; i++) {
        s[i * 3000] = (uint8_t)i;
        add(s, sizeof s);
    }
    all_ways(64);
    for (i = 0; i < sizeof s; i++) s[i] = (uint8_t)(i * i >> 5);
    begin(), add(s, sizeof s), add_text(""), add(s, 65535), add(s + 1, 65534);
    all_ways(64);
}

TEST(patterns_with_numbers) {
    static const char *const odd[] = {"1.2.3.4", "01.2.3.4", "1.2.3", "1.2.3.4.5", "4294967296.1.1.1", "1.2.3.x", "", "1..2.3"};
    uint64_t rng = check_seed();
    uint32_t i, j;
    char s[80];
    for (j = 0; j <= 8; j++) {
        for (begin(), i = 0; i < 500; i++) {
            sprintf(s, "%u.%u.%u.%u", (unsigned)(check_rand(&rng) >> 56), (unsigned)(check_rand(&rng) >> 56), i & 255u,
                    (unsigned)(check_rand(&rng) >> 56));
            add_text(j < 8 && i == 250 ? odd[j] : s);
        }
        all_ways(512);
    }
    for (begin(), i = 0; i < 500; i++) {
        sprintf(s, "%02u:%02u:%02u.%03u", i / 60 % 24, i % 60, i * 7 % 60, (unsigned)(check_rand(&rng) % 1000u));
        add_text(s);
    }
    codec_init(512, 0, 0);
    CHECK(round_trip() < 500 * 4);
    for (begin(), i = 0; i < 500; i++) {
        sprintf(s, "%u", i % 2 ? 999999999u - i : i);
        add_text(s);
    }
    all_ways(512);
}

/* Text as people write it: words, repeats near and far. */
static void make_text(uint64_t *rng, uint32_t rows, uint32_t kinds) {
    static const char *const words[] = {"GET", "/index", "Mozilla/5.0 ", "(X11; Linux)", "rv:", "=", "&", "?q=", ".html", "sensor"};
    uint32_t i, j;
    begin();
    for (i = 0; i < rows; i++) {
        uint64_t r = check_rand(rng) % kinds * 0x9E3779B97F4A7C15u + 1u;
        char s[256];
        s[0] = 0;
        for (j = 0; j < 1 + r % 7; j++) {
            uint64_t x = r ^ (r >> (7 * j + 3));
            sprintf(s + strlen(s), "%s", words[x % 10]);
            if (x % 3 == 0) sprintf(s + strlen(s), "%u", (unsigned)(x >> 11 & 1023u));
        }
        if (offsets[used] + 256u > TEXT) break;
        add_text(s);
    }
}

TEST(text_of_many_kinds) {
    uint64_t rng = check_seed();
    uint32_t kinds;
    for (kinds = 1; kinds < 40000; kinds *= 5) {
        make_text(&rng, 100 + kinds, kinds);
        all_ways((used + 63u) & ~63u);
    }
}

TEST(small_scratch_still_codes) { /* without room for the distinct strings nothing is written, nothing breaks */
    uint64_t rng = check_seed();
    uint8_t codec;
    size_t room;
    make_text(&rng, 500, 300);
    for (room = 0; room < 20000; room = room * 2 + 1) {
        size_t size;
        codec_init(512, 0, 0);
        g.k.text_size = room;
        size = telem_i_file_text_encode(&g.k, NULL, raw, offsets, used, &codec, coded, sizeof coded);
        if (size) CHECK(decode_with(&g.k, codec, coded, size, used, back, back_offsets) == 1);
    }
}

TEST(what_does_not_fit_says_so) {
    uint64_t rng = check_seed();
    uint8_t codec;
    size_t size, cap;
    make_text(&rng, 400, 100);
    codec_init(512, 0, 0);
    size = telem_i_file_text_encode(&g.k, NULL, raw, offsets, used, &codec, coded, sizeof coded);
    for (cap = 0; cap < size + 300; cap += 1 + cap / 40) {
        size_t got;
        memset(coded, 0xAB, size + 600);
        got = telem_i_file_text_encode(&g.k, NULL, raw, offsets, used, &codec, coded, cap);
        CHECK(got <= cap);
        CHECK(coded[cap] == 0xAB && coded[cap + 1] == 0xAB);
        if (got) CHECK(decode_with(&g.k, codec, coded, got, used, back, back_offsets) == 1);
    }
}

/* Bytes flipped, cut, inserted: an answer, never a write behind what was given (the sanitizers watch). */
TEST(tampered_bytes_are_survived) {
    uint64_t rng = check_seed();
    uint32_t round, t, rounds = check_quick() ? 30 : 300;
    for (round = 0; round < rounds; round++) {
        uint8_t codec, level = (uint8_t)(round % 3);
        size_t size, n;
        uint8_t *exact;
        make_text(&rng, 20 + (uint32_t)(check_rand(&rng) % 500u), round % 4 ? 60 : 100000);
        if (round % 5 == 0) {
            begin();
            for (t = 0; t < 100; t++) {
                char s[40];
                sprintf(s, "%u.%u", t * 37u % 101u, t);
                add_text(s);
            }
        }
        codec_init(576, level, offs[round % 8]);
        size = telem_i_file_text_encode(&g.k, NULL, raw, offsets, used, &codec, coded, sizeof coded);
        if (!size) continue;
        exact = (uint8_t *)malloc(size + 1);
        for (t = 0; t < 200; t++) {
            uint32_t edits = 1 + (uint32_t)(check_rand(&rng) % 3u);
            n = t % 8 ? size : (size_t)(check_rand(&rng) % (size + 1u));
            memcpy(exact, coded, size);
            while (edits--) exact[check_rand(&rng) % size] = (uint8_t)(check_rand(&rng) >> 20);
            if (t % 3 == 0) exact[check_rand(&rng) % (size < 40 ? size : 40)] ^= (uint8_t)(1u << (check_rand(&rng) % 8u));
            exact = (uint8_t *)realloc(exact, n ? n : 1); /* reads behind the end are seen */
            (void)decode_exactly(codec, exact, n, used, back, back_offsets);
            exact = (uint8_t *)realloc(exact, size + 1);
        }
        free(exact);
    }
}

/* >> indices */

static size_t index_trip(uint32_t n, uint32_t nd) {
    size_t size = telem_i_file_index_encode(&g.k, NULL, idx, n, nd, tmp, coded, sizeof coded);
    CHECK(size != 0);
    memset(idx2, 0xEE, sizeof idx2);
    CHECK(telem_i_file_index_decode(&g.k, coded, size, n, nd, idx2));
    CHECK_MEM(idx2, idx, n * sizeof idx[0]);
    CHECK(telem_i_file_key_valid(idx2, n, nd));
    return size;
}

/* Numbers in order of first occurrence from any values below `values`. */
static uint32_t numbered(const uint32_t *v, uint32_t n) {
    uint32_t i;
    for (i = 0; i < n; i++) g.c[i] = v[i];
    return telem_i_file_number(&g.k, n, n, idx);
}

TEST(index_in_every_mode) {
    static const uint32_t modes[] = {0, ~(uint32_t)TELEM_I_FILE_OFF_FRONT, ~(uint32_t)TELEM_I_FILE_OFF_FOLLOW, ~(uint32_t)0};
    static const uint32_t kinds[] = {1, 2, 15, 16, 17, 31, 32, 33, 300, 5000};
    static const uint32_t rows[] = {1, 2, 3, 5, 64, 1000, 5000};
    static uint32_t v[5000];
    uint64_t rng = check_seed();
    uint32_t a, b, m, i, nd;
    for (a = 0; a < 10; a++)
        for (b = 0; b < 7; b++)
            for (m = 0; m < 4; m++) {
                uint32_t n = rows[b];
                codec_init(5056, 0, modes[m] & (TELEM_I_FILE_OFF_FRONT | TELEM_I_FILE_OFF_FOLLOW));
                for (i = 0; i < n; i++) {
                    uint64_t r = check_rand(&rng);
                    v[i] = r % 3 == 0 || i == 0 ? (uint32_t)(r >> 20) % kinds[a] : r % 3 == 1 ? v[i - 1] : (v[i - 1] + 1u) % kinds[a];
                }
                nd = numbered(v, n);
                index_trip(n, nd);
            }
}

TEST(index_of_what_repeats_in_order_costs_little) {
    static uint32_t v[8192];
    uint32_t i;
    codec_init(8192, 0, 0);
    for (i = 0; i < 8192; i++) v[i] = i % 90u * 7u % 1009u;
    CHECK(index_trip(8192, numbered(v, 8192)) < 400);
}

TEST(tampered_index_stays_in_range) {
    static uint32_t v[1000];
    uint64_t rng = check_seed();
    uint32_t i, t, j, n = 1000, nd;
    for (t = 0; t < (check_quick() ? 300u : 5000u); t++) {
        size_t size;
        codec_init(1024, 0, t % 4 == 2 ? TELEM_I_FILE_OFF_FOLLOW : t % 4 == 3 ? TELEM_I_FILE_OFF_FRONT : 0);
        for (i = 0; i < n; i++) v[i] = (uint32_t)(check_rand(&rng) % (1u + t % 50u));
        nd = numbered(v, n);
        size = telem_i_file_index_encode(&g.k, NULL, idx, n, nd, tmp, coded, sizeof coded);
        for (j = 0; j < 20; j++) {
            coded[check_rand(&rng) % size] = (uint8_t)(check_rand(&rng) >> 20);
            if (!telem_i_file_index_decode(&g.k, coded, size, n, nd, idx2)) continue;
            for (i = 0; i < n; i++)
                if (idx2[i] >= nd) break;
            CHECK(i == n);
        }
    }
}

/* The mode is chosen on four windows and kept for some blocks: what comes between and behind them may be anything. */
TEST(an_index_whose_windows_mislead_comes_back) {
    static uint32_t v[CAP];
    uint64_t rng = check_seed();
    uint32_t kept = 0, block, i, n = CAP, nd;
    codec_init(CAP, 0, 0);
    for (block = 0; block < (check_quick() ? 4u : 20u); block++) {
        uint32_t w = n < 8193 ? n : 1024u, kinds = block % 3 ? 40000u : 20u;
        size_t size;
        for (i = 0; i < n; i++) v[i] = (uint32_t)(check_rand(&rng) % kinds);
        for (i = 0; i < n; i++)
            if (i % ((n - w) / 3u + 1u) < w) v[i] = block & 1u ? i % 7u : i / 100u; /* about where the windows lie */
        nd = numbered(v, n);
        size = telem_i_file_index_encode(&g.k, &kept, idx, n, nd, tmp, coded, sizeof coded);
        CHECK(size != 0 && size < 4u * (size_t)n + 64u);
        CHECK(telem_i_file_index_decode(&g.k, coded, size, n, nd, idx2));
        CHECK_MEM(idx2, idx, n * sizeof idx[0]);
        n = block % 4 == 3 ? CAP : n / 3u + 5u;
    }
}

/* >> planes and keys */

TEST(planes_go_both_ways) {
    uint64_t rng = check_seed();
    uint32_t n, width, i;
    codec_init(2048, 0, 0);
    for (width = 1; width <= 16; width *= 2)
        for (n = 1; n <= 2000; n = n * 5 + 1) {
            size_t size;
            int flip = (int)(n & 1u);
            for (i = 0; i < n * width; i++) raw[i] = (uint8_t)(i % width < 2 ? i / width : check_rand(&rng) >> 40);
            size = telem_i_file_planes_encode(&g.k, raw, width, flip, n, tmp, coded, sizeof coded);
            CHECK(size != 0);
            memset(back, 0xEE, n * width);
            CHECK(telem_i_file_planes_decode(&g.k, coded, size, width, flip, n, tmp, back));
            CHECK_MEM(back, raw, n * width);
            CHECK(!telem_i_file_planes_decode(&g.k, coded, size - 1, width, flip, n, tmp, back));
        }
}

TEST(grouped_order_is_stable_and_goes_back) {
    static uint32_t v[3000], place[3000], count[3000];
    static uint64_t from[3000], to[3000], again[3000];
    static uint32_t go[3001];
    uint64_t rng = check_seed();
    uint32_t n = 3000, i, nd, width;
    codec_init(3008, 0, 0);
    for (i = 0; i < n; i++) v[i] = (uint32_t)(check_rand(&rng) % 40u), from[i] = i;
    nd = numbered(v, n);
    telem_i_file_key_places(idx, n, nd, count, place);
    telem_i_file_group(8, place, n, (const uint8_t *)from, (uint8_t *)to);
    for (i = 1; i < n; i++) CHECK(idx[to[i - 1]] < idx[to[i]] || (idx[to[i - 1]] == idx[to[i]] && to[i - 1] < to[i]));
    for (width = 1; width <= 8; width *= 2) {
        memset(again, 0, sizeof again);
        telem_i_file_group(width, place, n, (const uint8_t *)from, (uint8_t *)to);
        telem_i_file_ungroup(width, place, n, (const uint8_t *)to, (uint8_t *)again);
        CHECK_MEM(again, from, n * width);
    }
    make_text(&rng, n, 500);
    telem_i_file_group_strings(place, n, raw, offsets, tmp, coded, go);
    for (i = 0; i < n; i++) {
        uint32_t len = offsets[i + 1] - offsets[i];
        CHECK(go[place[i] + 1] - go[place[i]] == len && memcmp(coded + go[place[i]], raw + offsets[i], len) == 0);
    }
}

/* A source: aircraft that report in turn. */
static struct {
    uint32_t rows, source[4096];
    uint64_t place[4096], noise[4096];
    uint8_t kind[4096];
} fleet;

static int show_fleet(void *user, uint32_t column, uint32_t n, telem_i_file_view *v) {
    (void)user;
    (void)n;
    memset(v, 0, sizeof *v);
    v->width = column == 0 ? 4 : column == 3 ? 1 : 8;
    v->type = column == 0 ? TELEM_U32 : column == 3 ? TELEM_U8 : TELEM_U64;
    v->values = column == 0   ? (const uint8_t *)fleet.source
                : column == 1 ? (const uint8_t *)fleet.place
                : column == 2 ? (const uint8_t *)fleet.noise
                              : fleet.kind;
    return column < 4;
}

static uint32_t seek_keys(uint32_t columns, telem_i_file_grouping *found) {
    telem_i_file_seeking z;
    telem_i_file_seek_begin(&z, &g.k, show_fleet, NULL, columns, 4096, found);
    while (!telem_i_file_seek_step(&z, 2)) {}
    return found->keys;
}

TEST(interleaved_sources_are_found) {
    telem_i_file_grouping found;
    uint64_t rng = check_seed(), at[32];
    uint32_t i, c, nd;
    codec_init(4096, 0, 0);
    for (i = 0; i < 32; i++) at[i] = check_rand(&rng) >> 8;
    for (i = 0; i < 4096; i++) {
        uint32_t s = (uint32_t)(check_rand(&rng) % 32u);
        fleet.source[i] = s * 1000003u;
        fleet.kind[i] = (uint8_t)(s * 5u);
        fleet.place[i] = at[s] += check_rand(&rng) % 100u;
        fleet.noise[i] = check_rand(&rng);
    }
    CHECK(seek_keys(4, &found) == 1);
    CHECK(found.key[0].members == 2); /* the kind follows from the source */
    CHECK(found.columns == 1);
    for (c = 0; c < found.columns; c++) CHECK(found.column[c] == 1);
    nd = telem_i_file_key_index(&g.k, show_fleet, NULL, found.key[0].member, found.key[0].members, 4096, idx);
    CHECK(nd == 32 && telem_i_file_key_valid(idx, 4096, nd));
    codec_init(4096, 0, TELEM_I_FILE_OFF_KEYS);
    CHECK(seek_keys(4, &found) == 0);
    for (i = 0; i < 4096; i++) fleet.place[i] = check_rand(&rng); /* nothing to gain */
    codec_init(4096, 0, 0);
    CHECK(seek_keys(3, &found) == 0);
}

int main(void) {
    RUN(one_row);
    RUN(empty_strings);
    RUN(all_equal_and_all_distinct);
    RUN(rows_65536);
    RUN(any_bytes);
    RUN(longest_strings);
    RUN(patterns_with_numbers);
    RUN(text_of_many_kinds);
    RUN(small_scratch_still_codes);
    RUN(what_does_not_fit_says_so);
    RUN(tampered_bytes_are_survived);
    RUN(index_in_every_mode);
    RUN(index_of_what_repeats_in_order_costs_little);
    RUN(tampered_index_stays_in_range);
    RUN(an_index_whose_windows_mislead_comes_back);
    RUN(planes_go_both_ways);
    RUN(grouped_order_is_stable_and_goes_back);
    RUN(interleaved_sources_are_found);
    return CHECK_MAIN_END();
}
