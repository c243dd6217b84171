/* cost_file.c - instructions of telem_file_write_row, counted as in cost_ring.c (SHIFT: 6): rows of 8 to 1000 float32
   channels in the rows and mini codings, noisy, as ADC counts, with one channel that moves, repeating.
   Lines: mcu.<board>.<coding>.<data>.<channels> <n> insns per_channel <x> row <mean> worst <n> close <n> of <n> bytes <n>:
   a row with its share of block close; the mean and the dearest of those that close none (0.1 %: ticks are
   coarse); the dearest that closes one, its bound, and the bytes it wrote. Fails when the dearest is 2 x the mean,
   a close dearer than its bound.
   Then structs of the same noisy rows: by the general writer, by the small one. Then the hash of 4 KB, and what an idle stream puts on the wire: bytes a second, and a schema and KEY repeat.
   BREAK=n builds one defect in, which the run has to find:
     1 each eighth row does some of a block's work
     2 closing a block costs as much again
     3 an idle stream's rows gather for 10 ms only
   BOARDS: m4 */
#include "board.h"
#include "semihost.h"
#define TELEM_IMPLEMENTATION
#define TELEM_NO_LZ4
#define TELEM_NO_XXH3
#define TELEM_FILE_NO_COLUMNS
#include "telem_file.h"

#ifdef __OPTIMIZE_SIZE__
#define NAME "mcu.m4."
#else
#define NAME "mcu.m4.O2."
#endif
#define ROWS 64u

#define R8_TABLE(F) F(ARRAY, f32, v, 8, "", "")
TELEM_DEFINE(R8, R8_TABLE, "");
#define R32_TABLE(F) F(ARRAY, f32, v, 32, "", "")
TELEM_DEFINE(R32, R32_TABLE, "");
#define R100_TABLE(F) F(ARRAY, f32, v, 100, "", "")
TELEM_DEFINE(R100, R100_TABLE, "");
#define R1000_TABLE(F) F(ARRAY, f32, v, 1000, "", "")
TELEM_DEFINE(R1000, R1000_TABLE, "");
#define A1000_TABLE(F) F(ARRAY, u16, v, 1000, "", "")
TELEM_DEFINE(A1000, A1000_TABLE, "");

static uint64_t memory[160000 / 8];
static uint8_t row[4000];
static uint32_t seed = 1, written;
static telem_file_writer w;
static telem_io io;

static int64_t take(void *user, const void *p, size_t n) {
    (void)user, (void)p;
    written += n;
    return (int64_t)n;
}
static uint32_t noise(void) { return seed = seed * 1664525u + 1013904223u; }
static uint32_t ticks(void) { return 0xFFFFFFu - SYST_CVR; }

enum { NOISY, COUNTS, ONE, SAME };
static void step(uint32_t kind, uint32_t channels) {
    uint32_t i;
    for (i = 0; i < channels; i++) {
        float x = 20.0f + (float)(noise() >> 20) * 0.001f;
        uint16_t a = (uint16_t)(2000u + (noise() >> 28));
        if (kind == NOISY || (kind == ONE && i == 0)) memcpy(row + 4u * i, &x, 4);
        if (kind == COUNTS) memcpy(row + 2u * i, &a, 2);
    }
}

static void begin(const telem_schema *schema, uint8_t coding, uint32_t block) {
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    io.write = take;
    d.io = &io, d.memory = memory, d.memory_size = sizeof memory, d.session = 1, d.profile = TELEM_FILE_WIRE;
    d.coding = coding, d.max_streams = 1, d.max_row = 4000, d.max_block = 65536, d.block_bytes = block;
    d.key_bytes = 1u << 30, d.key_ns = d.announce_ns = d.max_age_ns = UINT64_MAX;
    s.schema = schema;
    if (telem_file_writer_open(&w, &d) != TELEM_OK || telem_file_add_stream(&w, &s) != TELEM_OK) host_exit(1);
}

static void text(const char *s, uint32_t n) { host_print(s), host_number(n); }
static uint32_t insns(uint32_t t) { return (uint32_t)((uint64_t)t * 1000u / TICK(0, 64000u)); }

static __attribute__((noinline)) void hash(const void *p, size_t n) {
    *(volatile uint32_t *)&seed = telem_i_xxh32(p, n, 0);
}

/* Closing a block takes at most so many instructions. rows: its last row is coded twice when it did not fit. */
static uint32_t bound(uint32_t coding, uint32_t channels, uint32_t dearest, uint32_t bytes) {
    uint32_t n = coding == TELEM_FILE_MINI ? 40u * 16u * channels + 3000u : 2u * dearest + 700u;
    return n + bytes * 13u / 10u;
}

static uint32_t failed;
static void measure(const char *coding, const char *data, const char *channels, const telem_schema *schema, uint8_t c, uint32_t kind, uint32_t n) {
    uint32_t i, total = 0, rows = 0, closing = 0, worst = 0, close = 0, bytes = 0, before, run, mean, again;
    begin(schema, c, 50u * n);
    for (i = 0; i < ROWS + 16u; i++) {
        uint32_t t;
        step(kind, n);
        SYST_RVR = 0xFFFFFF, SYST_CVR = 0, SYST_CSR = 5;
        while (SYST_CVR == 0) {}
        before = written, run = c == TELEM_FILE_MINI ? w.streams[0]->mini->run : 0;
        t = ticks();
        if (telem_file_write_row(&w, 0, (int64_t)(1000u * i), row) != TELEM_OK) host_exit(1);
        if (BREAK == 1 && i % 8 == 3) hash(memory, 100u * n < sizeof memory ? 100u * n : sizeof memory);
        for (again = 0; BREAK == 2 && written != before && again < (written - before) / 2048u + 1u; again++) hash(memory, 2u * 4096u);
        t = ticks() - t;
        if (i < 16) continue; /* the first block */
        total += t;
        if (written != before || (c == TELEM_FILE_MINI && run != w.streams[0]->mini->run)) { /* idle rows join what waits */
            closing += t;
            if (t > close) close = t, bytes = written - before;
        } else {
            rows++;
            if (t > worst) worst = t;
        }
    }
    mean = insns(total) / ROWS;
    host_print(NAME), host_print(coding), host_print(data), host_print(channels), text(" ", mean);
    text(" insns per_channel ", mean / n), text(".", mean * 10u / n % 10u), text(" row ", insns(total - closing) / rows);
    text(" worst ", insns(worst)), text(" close ", insns(close)), text(" of ", bound(c, n, insns(worst), bytes)), text(" bytes ", bytes), host_print("\n");
    if (insns(close) > bound(c, n, insns(worst), bytes)) failed++, host_print("closing a block is beyond its bound\n");
    if (worst > 2u * (total - closing) / rows) failed++, host_print("the worst row is beyond twice the mean\n");
}

/* 1000 channels at 1 kHz and nothing changes: rows gather for a second. Bytes a second without repeats;
   with `repeats` the bytes of one: header, schema and KEY block. */
static uint32_t idle(uint8_t coding, int repeats) {
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    uint32_t i, from = 0;
    d.io = &io, d.memory = memory, d.memory_size = sizeof memory, d.session = 1, d.profile = TELEM_FILE_WIRE;
    d.coding = coding, d.max_streams = 1, d.max_row = 4000, d.max_block = 16384, d.block_bytes = 8192;
    d.max_age_ns = BREAK == 3 ? 10000000u : 1000000000u, d.key_ns = d.announce_ns = UINT64_MAX;
    if (coding == TELEM_FILE_MINI) d.block_rows = 32;
    if (repeats) d.key_ns = d.announce_ns = 1000000000u;
    s.schema = &R1000_schema;
    if (telem_file_writer_open(&w, &d) != TELEM_OK || telem_file_add_stream(&w, &s) != TELEM_OK) host_exit(1);
    for (i = 0; i < 4000; i++) {
        if (i == 1990) from = written;
        if (telem_file_write_row(&w, 0, (int64_t)i * 1000000, row) != TELEM_OK) host_exit(1);
        if (i == 2990) return written - from;
    }
    return 0;
}
static void idle_line(const char *coding, uint8_t c) {
    uint32_t n = idle(c, 0);
    if (n >= 50) failed++, host_print("an idle stream takes 50 bytes a second or more\n");
    host_print(NAME "idle."), host_print(coding), text("1000 ", n), text(" bytes_per_second repeat ", idle(c, 1) - n);
    host_print("\n");
}

/* The same noisy rows as C structs: through telem_file_small_write, and through telem_file_write (coding 0: rows). */
static void structs(const char *name, const char *channels, const telem_schema *schema, uint8_t coding, int small, uint32_t n) {
    static telem_file_small sw;
    static telem_file_small_stream ss;
    static telem_file_small_desc sd;
    static telem_file_small_stream_desc z;
    static telem_file_encoded e;
    static uint32_t encoding[64];
    uint32_t i, total = 0;
    if (small) {
        if (telem_file_small_encode(schema, NULL, 0, &e, encoding, sizeof encoding) < 0) host_exit(1);
        sd.io = &io, sd.max_block = 65536, sd.max_row = 4000;
        z.schema = &e, z.coding = coding, z.memory = memory, z.memory_size = sizeof memory, z.block_bytes = 50u * n;
        z.key_bytes = 1u << 30, z.key_every = z.announce_every = z.max_age = UINT64_MAX;
        if (telem_file_small_open(&sw, &sd, 1) != TELEM_OK || telem_file_small_add(&sw, &ss, &z) != TELEM_OK) host_exit(1);
    } else {
        begin(schema, coding, 50u * n);
    }
    for (i = 0; i < ROWS + 16u; i++) {
        uint32_t t;
        step(NOISY, n);
        SYST_RVR = 0xFFFFFF, SYST_CVR = 0, SYST_CSR = 5;
        while (SYST_CVR == 0) {}
        t = ticks();
        if ((small ? telem_file_small_write(&sw, &ss, (int64_t)(1000u * i), row) : telem_file_write(&w, 0, (int64_t)(1000u * i), row)) != TELEM_OK) host_exit(1);
        if (i >= 16) total += ticks() - t;
    }
    total = insns(total) / ROWS;
    host_print(NAME), host_print(name), host_print(channels), text(" ", total), text(" insns per_channel ", total / n), text(".", total * 10u / n % 10u), host_print("\n");
}

static void hash_line(void) {
    uint32_t t;
    SYST_RVR = 0xFFFFFF, SYST_CVR = 0, SYST_CSR = 5;
    while (SYST_CVR == 0) {}
    t = ticks();
    hash(memory, 4096);
    t = insns(ticks() - t);
    host_print(NAME "hash.4096 "), host_number(t), text(" insns per_byte ", t / 4096u), text(".", t * 10u / 4096u % 10u);
    host_print("\n");
}

int main(void) {
    static const char *const names[3] = {"noisy.", "one.", "same."};
    static const uint32_t kinds[3] = {NOISY, ONE, SAME};
    uint32_t c, k;
    for (c = TELEM_FILE_ROWS; c <= TELEM_FILE_MINI; c += TELEM_FILE_MINI - TELEM_FILE_ROWS) {
        const char *coding = c == TELEM_FILE_MINI ? "mini." : "rows.";
        for (k = 0; k < 3; k++) {
            measure(coding, names[k], "8", &R8_schema, (uint8_t)c, kinds[k], 8);
            measure(coding, names[k], "32", &R32_schema, (uint8_t)c, kinds[k], 32);
            measure(coding, names[k], "100", &R100_schema, (uint8_t)c, kinds[k], 100);
            measure(coding, names[k], "1000", &R1000_schema, (uint8_t)c, kinds[k], 1000);
        }
        measure(coding, "counts.", "1000", &A1000_schema, (uint8_t)c, COUNTS, 1000);
    }
    structs("struct.rows.", "8", &R8_schema, TELEM_FILE_ROWS, 0, 8);
    structs("struct.rows.", "1000", &R1000_schema, TELEM_FILE_ROWS, 0, 1000);
    structs("small.rows.", "8", &R8_schema, TELEM_FILE_ROWS, 1, 8);
    structs("small.rows.", "1000", &R1000_schema, TELEM_FILE_ROWS, 1, 1000);
    structs("small.mini.", "8", &R8_schema, TELEM_FILE_MINI, 1, 8);
    structs("small.mini.", "1000", &R1000_schema, TELEM_FILE_MINI, 1, 1000);
    hash_line();
    idle_line("rows.", TELEM_FILE_ROWS);
    idle_line("mini.", TELEM_FILE_MINI);
    return failed != 0;
}
