/* lz4.c - LZ4 over the blocks of a writer, on an emulated board: blocks of 256 bytes to 4 KB, the state in
   memory of the caller's, upstream's lz4.c with LZ4_MEMORY_USAGE 10. Checked: every byte that is written
   lies inside the memory that the sizing functions named; the stack does not grow by the state; the blocks
   come back (LZ4_decompress_safe) as what they are without LZ4. Printed: what it buys and costs.
   Lines: lz4.<block> percent <of the bytes without> insns_per_byte <more> ram <more> stack <without> <with>.
   BREAK=n builds one defect in, which the run has to find:
     1 the state on the stack (LZ4_compress_fast)
     2 a block of which a byte is lost on the way
   BOARDS: m0 m3 m4 stm32f4   LZ4: needed   SHIFT: 6 */
#include "board.h"
#include "semihost.h"
#include <lz4.h>
#if BOARD == BOARD_MICROBIT
static uint32_t expanded, expanded_wrong;
#endif
#if BREAK == 1
#define LZ4_compress_fast_extState(state, from, to, n, room, speed) \
    ((void)(state), LZ4_compress_fast(from, to, n, room, speed))
#elif BOARD == BOARD_MICROBIT /* no room for a reader: each block is expanded at once */
static int expand(int n, const char *from, const char *packed, int size) {
    static char plain[512];
    int got = n > 0 ? LZ4_decompress_safe(packed, plain, n, sizeof plain) : size;
    expanded++;
    plain[0] = (char)(plain[0] ^ (BREAK == 2));
    expanded_wrong += got != size || (n > 0 && memcmp(plain, from, (size_t)size) != 0);
    return n;
}
#define LZ4_compress_fast_extState(state, from, to, n, room, speed) \
    expand(LZ4_compress_fast_extState(state, from, to, n, room, speed), from, to, n)
#endif
#define TELEM_IMPLEMENTATION
#define TELEM_NO_XXH3
#define TELEM_FILE_NO_COLUMNS
#define TELEM_FILE_NO_MINI
#include "telem_file.h"

#define IMU_TABLE(F)                           \
    F(FIELD, u32, us, "us", "")                \
    F(SCALED, i16, ax, "m/s^2", 0.01, 0.0, "") \
    F(SCALED, i16, ay, "m/s^2", 0.01, 0.0, "") \
    F(SCALED, i16, az, "m/s^2", 0.01, 0.0, "") F(FIELD, f32, temp, "degC", "") F(FIELD, u8, state, "", "")
TELEM_DEFINE(Imu, IMU_TABLE, "inertial unit");

#if BOARD == BOARD_MICROBIT
#define MOST         512u
#define ROWS         120u
#define STREAM_BYTES 2048u
#else
#define MOST         4096u
#define ROWS         2000u
#define STREAM_BYTES 40000u
#endif
#define STACK_BYTES 2000u

static uint64_t memory[(4096u + 3u * MOST) / 8u]; /* the writer's, then the reader's */
static uint8_t stream[STREAM_BYTES];
static telem_file_writer writer;
static uint32_t block;

static void fail(const char *what, uint32_t a, uint32_t b) {
    host_print("FAILED: "), host_print(what), host_print(", "), host_number(a), host_print(" "),
        host_number(b);
    host_print(", block "), host_number(block), host_print("\n");
    host_exit(1);
}
static uint32_t ticks(void) { return 0xFFFFFFu - SYST_CVR; }

/* Row n, the same whenever it is asked for. */
static void row_of(uint32_t n, Imu *imu) {
    uint32_t r = n * 2654435761u;
    memset(imu, 0, sizeof *imu);
    imu->us = n * 1000u + (r >> 30);
    imu->ax = (int16_t)(r >> 28), imu->ay = (int16_t)(100 + (int)(r >> 29)),
    imu->az = (int16_t)(981 - (int)(r >> 30));
    imu->temp = 20.0f + (float)(n / 50u) * 0.5f;
    imu->state = (uint8_t)(n / 400u);
}

/* The stack below the caller, painted and looked at afterwards. */
static volatile uint32_t *painted;
__attribute__((noinline)) static void paint(void) {
    uintptr_t sp;
    uint32_t i;
    __asm__ volatile("mov %0, sp" : "=r"(sp));
    painted = (volatile uint32_t *)((sp & ~(uintptr_t)3) - 64u - STACK_BYTES);
    for (i = 0; i < STACK_BYTES / 4u; i++) painted[i] = 0xA5A5A5A5u;
}
__attribute__((noinline)) static uint32_t used(void) {
    uint32_t i = 0;
    while (i < STACK_BYTES / 4u && painted[i] == 0xA5A5A5A5u) i++;
    return STACK_BYTES - 4u * i;
}

typedef struct run {
    uint32_t bytes, insns, memory, stack;
} run;

static run write_rows(uint8_t lz4) {
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    telem_memory_io state;
    telem_io io = telem_io_memory(&state, stream, sizeof stream);
    run z = {0, 0, 0, 0};
    uint32_t i, t, total = 0;
    telem_result res;
    s.id = 1, s.schema = &Imu_schema;
    d.io = &io, d.memory = memory, d.session = 5, d.profile = TELEM_FILE_WIRE, d.max_streams = 1, d.lz4 = lz4;
    d.block_bytes = block, d.max_block = 1024u + block, d.max_row = 64,
    d.max_age_ns = d.announce_ns = UINT64_MAX;
    d.memory_size = z.memory = (uint32_t)(telem_file_writer_bytes(&d) + telem_file_stream_bytes(&d, &s));
    if (z.memory > sizeof memory - 16u) fail("too little memory", z.memory, sizeof memory);
    memset((uint8_t *)memory + z.memory, 0x5A, 16);
    if ((res = telem_file_writer_open(&writer, &d)) != TELEM_OK) fail("open", (uint32_t)-res, 0);
    if ((res = telem_file_add_stream(&writer, &s)) != TELEM_OK) fail("add_stream", (uint32_t)-res, 0);
    paint();
    for (i = 0; i < ROWS; i++) {
        Imu imu;
        row_of(i, &imu);
        SYST_RVR = 0xFFFFFF, SYST_CVR = 0, SYST_CSR = 5;
        while (SYST_CVR == 0) {}
        t = ticks();
        if (telem_file_write(&writer, 1, (int64_t)i * 1000000, &imu) != TELEM_OK) fail("write", i, 0);
        total += ticks() - t;
    }
    z.stack = used();
    if (telem_file_writer_close(&writer) != TELEM_OK) fail("close", 0, 0);
    for (i = 0; i < 16u; i++)
        if (((uint8_t *)memory)[z.memory + i] != 0x5A) fail("written behind the memory", i, 0);
    z.bytes = (uint32_t)state.size;
    z.insns = (uint32_t)((uint64_t)total * 1000u / TICK(0, 64000u));
    return z;
}

#if BOARD == BOARD_MICROBIT
static void read_rows(uint32_t bytes) {
    (void)bytes;
    if (expanded_wrong) fail("blocks do not come back", expanded_wrong, expanded);
}
#else
static telem_file_reader reader;
static void read_rows(uint32_t bytes) {
    telem_file_reader_desc d = TELEM_ZERO;
    telem_memory_io state;
    telem_io io = telem_io_memory_view(&state, stream, bytes);
    telem_file_item item;
    telem_result res;
    Imu imu, want;
    uint32_t n = 0;
    memset(&imu, 0, sizeof imu); /* its padding */
    d.io = &io, d.memory = memory, d.memory_size = sizeof memory;
#if BREAK == 2
    stream[bytes / 2u] ^= 1u;
#endif
    if ((res = telem_file_reader_open(&reader, &d)) != TELEM_OK) fail("reader", (uint32_t)-res, 0);
    while ((res = telem_file_next(&reader, &item)) == TELEM_OK) {
        if (item.kind != TELEM_ITEM_ROW) continue;
        row_of(n++, &want);
        if (telem_file_get(&item, &Imu_schema, &imu) != TELEM_OK || memcmp(&imu, &want, sizeof imu) != 0)
            fail("another row", n, 0);
    }
    if (res != TELEM_END || n != ROWS) fail("rows are missing", n, ROWS);
}
#endif

int main(void) {
    for (block = 256; block <= MOST; block *= 2u) {
        run plain = write_rows(0), packed;
        read_rows(plain.bytes);
        packed = write_rows(1);
        read_rows(packed.bytes);
        host_print("lz4."), host_number(block), host_print(" percent "),
            host_number(packed.bytes * 100u / plain.bytes);
        host_print(" insns_per_byte "), host_number((packed.insns - plain.insns) / plain.bytes);
        host_print(" ram "), host_number(packed.memory - plain.memory);
        host_print(" stack "), host_number(plain.stack), host_print(" "), host_number(packed.stack),
            host_print("\n");
#if BOARD == BOARD_MICROBIT && BREAK != 1
        if (expanded == 0) fail("no block is expanded", 0, 0);
#endif
        if (packed.bytes >= plain.bytes) fail("it saves nothing", packed.bytes, plain.bytes);
        if (packed.memory - plain.memory > block + 2048u)
            fail("more memory than state and block", packed.memory, plain.memory);
        if (packed.stack > plain.stack + 256u) fail("the stack grows", packed.stack, plain.stack);
    }
    return 0;
}
