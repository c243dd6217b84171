/* small_file.c - telem_file_small on a board: a vehicle's numbers over the UART, from schemas that a PC encoded. Built with
   HOST it is telem_file_writer with the same rows on standard output: the bytes must be the same (mcu.sh compares
   them). With HOST and PRINT it prints encoded.h.      UART: m0 m3 m4 stm32f4   -DCODING=1 rows, 3 mini
   BREAK=n builds one defect in, which shows in the bytes:
     1 a schema is never sent again
     2 one bit of one field of one row */
#if defined(HOST)
#include <stdio.h>
#else
#include "board.h"
#include "semihost.h"
#endif
#define TELEM_IMPLEMENTATION
#define TELEM_NO_LZ4
#define TELEM_NO_XXH3
#define TELEM_FILE_NO_COLUMNS
#include "telem_file.h"

#ifndef CODING
#define CODING TELEM_FILE_ROWS
#endif

#define R8_TABLE(F) F(ARRAY, f32, v, 8, "m", "eight floats")
TELEM_DEFINE(R8, R8_TABLE, "");
#define MOTION_TABLE(F) \
    F(COUNT, u32, n, "samples") F(SCALEDS, i16, accel, 3, "m/s^2", 0.01, 0.0, "") F(FIELD, f64, angle, "rad", "") \
    F(FULL, f32, volt, 2, "V", 1.0, 0.0, TELEM_DECIMALS(2), 0, "") F(FIELD, bool_, armed, "", "") F(FIELD, u8, mode, "", "")
TELEM_DEFINE(Motion, MOTION_TABLE, "");

static uint32_t seed = 1;
static uint32_t noise(uint32_t n) { return (seed = seed * 1664525u + 1013904223u) >> 16 & (n - 1u); }

/* Row number i of each stream: it flies, stands for a while, flies again. */
static void fly(uint32_t i, R8 *r, Motion *m) {
    uint32_t k;
    m->n++;
    if (i / 300 % 2) return;
    for (k = 0; k < 8; k++) r->v[k] += (float)noise(64) - 31.5f;
    for (k = 0; k < 3; k++) m->accel[k] = (int16_t)(m->accel[k] + (int)noise(32) - 16);
    m->angle += 0.001 * (double)noise(16);
    m->volt[0] = (float)(1100u + noise(16)) / 100.0f;
    m->armed = i > 100;
    m->mode = (uint8_t)(i / 50);
}
static int64_t time_of(uint32_t i) { return (int64_t)i * 1000000 + (i % 300 < 30 ? noise(8) : 0); }

#if defined(HOST) && defined(PRINT)
static void put(void *user, const char *text) {
    (void)user;
    fputs(text, stdout);
}
static int print(const telem_schema *schema, const char *object) {
    static uint64_t memory[512];
    telem_file_encoded e;
    if (telem_file_small_encode(schema, NULL, 0, &e, memory, sizeof memory) < 0) return 1;
    telem_file_small_print(&e, schema, object, put, NULL);
    return 0;
}
int main(void) {
    puts("/* encoded.h - what telem_file_small_print makes of small_file.c's schemas (HOST, PRINT) */");
    return print(&R8_schema, "R8_encoded") || print(&Motion_schema, "Motion_encoded");
}
#elif defined(HOST)
static int64_t out(void *user, const void *p, size_t n) {
    (void)user;
    return (int64_t)fwrite(p, 1, n, stdout);
}
int main(void) {
    static uint64_t memory[40000 / 8];
    static telem_io io;
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    telem_file_writer w;
    R8 r = TELEM_ZERO;
    Motion m = TELEM_ZERO;
    uint32_t i;
    io.write = out;
    d.io = &io, d.memory = memory, d.memory_size = sizeof memory;
    d.session = 99, d.profile = TELEM_FILE_WIRE, d.coding = CODING, d.announce_ns = d.key_ns = 1000000000u;
    if (telem_file_writer_open(&w, &d) != TELEM_OK) return 2;
    s.schema = &R8_schema, s.id = 1;
    if (telem_file_add_stream(&w, &s) != TELEM_OK) return 2;
    s.schema = &Motion_schema, s.id = 2;
    if (telem_file_add_stream(&w, &s) != TELEM_OK) return 2;
    for (i = 0; i < 3000; i++) {
        fly(i, &r, &m);
        if (telem_file_write(&w, 1, time_of(i), &r) != TELEM_OK || telem_file_write(&w, 2, (int64_t)i * 1000000, &m) != TELEM_OK) return 2;
    }
    return telem_file_writer_close(&w) != TELEM_OK;
}
#else
#include "encoded.h"
static int64_t out(void *user, const void *p, size_t n) {
    const uint8_t *b = (const uint8_t *)p;
    size_t i;
    (void)user;
    for (i = 0; i < n; i++) uart_put(b[i]);
    return (int64_t)n;
}
static uint64_t memory[2][TELEM_FILE_SMALL_MINI_BYTES(R8_encoded, 512, 16) / 8u + 1u]; /* Motion's rows are smaller */
static telem_io io;
static const telem_file_small_desc desc = {&io, NULL, 0, 0, 0, 0, 0, 0};
static const telem_file_small_stream_desc streams[2] = {
    {&R8_encoded, 1, CODING, memory[0], sizeof memory[0], 0, 0, 0, 0, 0, 1000000000u, BREAK == 1 ? UINT64_MAX : 1000000000u},
    {&Motion_encoded, 2, CODING, memory[1], sizeof memory[1], 0, 0, 0, 0, 0, 1000000000u, 1000000000u}};
TELEM_STATIC_ASSERT(R8_encoded_FITS(R8), print_encoded_again);
TELEM_STATIC_ASSERT(Motion_encoded_FITS(Motion), print_encoded_again);
static telem_file_small w;
static telem_file_small_stream s[2];
static void must(telem_result r) {
    if (r != TELEM_OK) host_exit(2);
}
int main(void) {
    R8 r = TELEM_ZERO;
    Motion m = TELEM_ZERO;
    uint32_t i;
    io.write = out;
    uart_start();
    must(telem_file_small_open(&w, &desc, 99));
    for (i = 0; i < 2; i++) must(telem_file_small_add(&w, &s[i], &streams[i]));
    for (i = 0; i < 3000; i++) {
        fly(i, &r, &m);
        if (BREAK == 2 && i == 1777) m.accel[2] = (int16_t)(m.accel[2] ^ 1);
        must(telem_file_small_write(&w, &s[0], time_of(i), &r));
        must(telem_file_small_write(&w, &s[1], (int64_t)i * 1000000, &m));
    }
    must(telem_file_small_close(&w));
    return 0;
}
#endif
