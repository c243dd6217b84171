/* size.c - the least program that uses a part of telem, for its size, stack and what it links (sizes.sh).
   PART: 0 nothing, what all images share; 1 ring, a lane and a reader; 2 the same with the shared lane;
   3 black box: attach and read a ring that survived; 4 schema: check, encode, fingerprint; 5 wire writer,
   rows; 6 wire writer, mini; 7 the reader of both; 8 all of it;
   9, 10 as 5 and 6 with all options for less flash; 11, 12 the small ring, its shared writers with it;
   13, 14 the small writer, rows and mini. With REPORT it runs and prints
   mcu.<board>.<part>.ram <bytes> and mcu.<board>.<part>.stack <bytes>, the stack as it was painted over.
   BREAK=n builds one defect in, which sizes.sh has to find in the image:
     1 heap
     2 recursion
     3 a function of libc
     4 printf
     5 double arithmetic
   (an atomic of 64 bits does not link at all: there is no libatomic) */
#include <stdio.h>
#include <stdlib.h>
#include "board.h"
#include "semihost.h"
#define TELEM_IMPLEMENTATION
#define TELEM_NO_LZ4
#define TELEM_NO_XXH3
#define TELEM_NO_STDIO
#define TELEM_NO_POSIX
#ifndef PART
#define PART 0
#endif
#define HAS(part) (PART == (part) || PART == 8)
#if PART == 1
#define TELEM_RING_NO_SHARED
#define TELEM_RING_CURSORS 1
#elif PART == 5 || PART == 9 || PART == 13
#define TELEM_FILE_NO_MINI
#elif PART == 10 || PART == 14
#define TELEM_FILE_NO_ROWS
#endif
#if PART == 9 || PART == 10
#define TELEM_FILE_NO_INDEX
#define TELEM_FILE_TRUST_SCHEMAS
#define TELEM_NO_TEXT
#define TELEM_FILE_CLOCKS 1u
#endif
#include "telem.h"
#if (PART >= 1 && PART <= 3) || PART == 8 || PART == 11 || PART == 12
#include "telem_ring.h"
#endif
#if PART == 4
#include "telem_schema.h"
#elif (PART >= 5 && PART < 11) || PART > 12
#include "telem_file.h"
#endif

static uint32_t ram; /* of all that the user has to give, but for the stack, the records' room, rows and blocks */
int sink;
void must(telem_result r);
void must(telem_result r) {
    if (r != TELEM_OK) host_exit(1);
}

#if PART == 1 || HAS(2)
static uint64_t ring_memory[1792 / 8], copy[64 / 8];
static telem_ring_writer producer;
static telem_ring_reader consumer;
static void use_ring(void) {
    telem_ring_desc d = TELEM_ZERO;
    telem_ring_reader_desc r = TELEM_ZERO;
    telem_ring_record rec = TELEM_ZERO;
    telem_ring *ring;
    uint32_t i;
    d.memory = ring_memory, d.memory_size = sizeof ring_memory;
    d.policy = TELEM_RING_OVERWRITE;
#if PART == 1
    d.lanes = 1, d.lane_bytes = 512;
#else
    d.shared_bytes = 512;
#endif
    r.copy = copy, r.copy_size = sizeof copy;
    must(telem_ring_init(&ring, &d));
    must(telem_ring_reader_init(&consumer, ring, &r));
    must(telem_ring_writer_init(&producer, ring, PART == 1 ? 0 : TELEM_RING_SHARED));
    for (i = 0; i < 200; i++) {
        must(telem_ring_push(&producer, 1, (int64_t)i, &i, 4));
        if (i % 3 == 0) continue;
        must(telem_ring_peek(&consumer, &rec));
        sink += (int)rec.len;
        must(telem_ring_release(&consumer));
    }
#ifdef REPORT
    ram = (uint32_t)(telem_ring_bytes(&d) - 512u + sizeof producer + sizeof consumer);
#endif
}
#endif

#if HAS(11) || PART == 12
static uint64_t small_memory[512 / 8];
static void use_small(void) {
    telem_ring_record rec = TELEM_ZERO;
    telem_ring_small *ring;
    uint32_t i;
    must(telem_ring_small_init(&ring, small_memory, sizeof small_memory, TELEM_RING_OVERWRITE, 0));
    for (i = 0; i < 200; i++) {
        must(telem_ring_small_push(ring, 1, i, &i, 4));
#if PART != 11
        must(telem_ring_small_push_shared(ring, 2, i, &i, 4));
#endif
        if (i % 3 == 0) continue;
        must(telem_ring_small_peek(ring, &rec));
        sink += (int)rec.len;
        must(telem_ring_small_release(ring));
    }
#ifdef REPORT
    ram = (uint32_t)sizeof *ring;
#endif
}
#endif

#if HAS(3)
/* What survives here is empty: the walk over its records is linked all the same. */
static uint64_t survived[1024 / 8];
static telem_ring_image image;
static void use_attach(void) {
    telem_ring_attach_desc d = TELEM_ZERO;
    telem_ring_record rec = TELEM_ZERO;
    uint8_t buf[64];
    d.bytes = survived, d.size = sizeof survived;
    if (telem_ring_attach(&image, &d) == TELEM_OK)
        while (telem_ring_image_read(&image, &rec, buf, sizeof buf) == TELEM_OK) sink++;
    ram = sizeof image;
}
#endif

#if (PART >= 4 && PART < 11) || PART > 12
#define R8_TABLE(F) F(ARRAY, f32, v, 8, "m", "eight floats")
TELEM_DEFINE(R8, R8_TABLE, "");
#endif

#if HAS(4)
static void use_schema(void) {
    uint8_t buf[64];
    telem_error err;
    must(telem_schema_check(&R8_schema, &err));
    sink = (int)telem_schema_fingerprint(&R8_schema) + (int)telem_schema_encode(&R8_schema, 0, buf, sizeof buf);
}
#endif

#if HAS(5) || HAS(6) || PART == 9 || PART == 10 || PART > 12
static int64_t take(void *user, const void *p, size_t n) {
    (void)user;
    sink += *(const uint8_t *)p;
    return (int64_t)n;
}
#endif
#if HAS(5) || HAS(6) || PART == 9 || PART == 10
static uint64_t writer_memory[3072 / 8];
static telem_file_writer w;
static void use_writer(uint8_t coding) {
    static telem_io io;
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    R8 r = TELEM_ZERO;
    uint32_t i;
    io.write = take;
    d.io = &io, d.memory = writer_memory, d.memory_size = sizeof writer_memory;
    d.session = 1, d.profile = TELEM_FILE_WIRE, d.coding = coding;
    d.max_streams = 1, d.max_row = 32, d.max_block = 1024, d.block_bytes = 512;
    s.schema = &R8_schema;
    must(telem_file_writer_open(&w, &d));
    must(telem_file_add_stream(&w, &s));
    for (i = 0; i < 100; i++) {
        r.v[i % 8u] = (float)i * 0.25f;
        must(telem_file_write(&w, 0, (int64_t)i * 1000000, &r));
    }
    must(telem_file_writer_close(&w));
#ifdef REPORT
    ram = (uint32_t)(sizeof w + telem_file_writer_bytes(&d) + telem_file_stream_bytes(&d, &s));
    ram -= 512u + 32u * (PART == 5 || PART == 9 ? 2u : 17u);
#endif
}
#endif

#if HAS(13) || PART == 14
#include "encoded.h"
#if PART == 8 /* an M0's 16 KB hold all parts, one after the other */
#define small_writer_memory writer_memory
#else
static uint64_t small_writer_memory[1536 / 8];
#endif
static telem_io small_io;
static const telem_file_small_desc small_desc = {&small_io, NULL, 0, 0, 0, 0, 0, 0};
static const telem_file_small_stream_desc small_stream = {&R8_encoded, 0, PART == 14 ? TELEM_FILE_MINI : TELEM_FILE_ROWS, small_writer_memory, sizeof small_writer_memory, 0, 0, 0, 0, 0, 0, 0};
static telem_file_small small_writer;
static telem_file_small_stream small_state;
static void use_small_writer(void) {
    R8 r = TELEM_ZERO;
    uint32_t i;
    small_io.write = take;
    must(telem_file_small_open(&small_writer, &small_desc, 1));
    must(telem_file_small_add(&small_writer, &small_state, &small_stream));
    for (i = 0; i < 100; i++) {
        r.v[i % 8u] = (float)i * 0.25f;
        must(telem_file_small_write(&small_writer, &small_state, (int64_t)i * 1000000, &r));
    }
    must(telem_file_small_close(&small_writer));
#ifdef REPORT
    ram = (uint32_t)(sizeof small_writer + sizeof small_state + telem_file_small_bytes(&small_stream));
    ram -= 512u + 32u * (PART == 14 ? 17u : 2u);
#endif
}
#endif

#if HAS(7)
static uint64_t reader_memory[1024 / 8];
static telem_file_reader r;
static int64_t give(void *user, void *p, size_t n) {
    (void)user, (void)p, (void)n;
    return 0;
}
static void use_reader(void) {
    static telem_io io;
    telem_file_reader_desc d = TELEM_ZERO;
    telem_file_item item;
    R8 rec;
    io.read = give;
    d.io = &io, d.memory = reader_memory, d.memory_size = sizeof reader_memory;
    if (telem_file_reader_open(&r, &d) == TELEM_OK)
        while (telem_file_next(&r, &item) == TELEM_OK)
            if (item.kind == TELEM_ITEM_ROW && telem_file_get(&item, &R8_schema, &rec) == TELEM_OK) sink++;
    ram = sizeof r;
}
#endif

static void defect(void) {
#if BREAK == 1
    sink += malloc(16) != NULL;
#elif BREAK == 2
    if (++sink & 15) defect();
    sink *= 3;
#elif BREAK == 3
    sink += (int)strlen(__FILE__ + sink);
#elif BREAK == 4
    sink += sprintf((char *)&ram, "%d", sink);
#elif BREAK == 5
    volatile double x = sink;
    sink = (int)(x * 0.1);
#endif
}

static void use(void) {
    defect();
#if PART == 1 || HAS(2)
    use_ring();
#endif
#if HAS(11) || PART == 12
    use_small();
#endif
#if HAS(3)
    use_attach();
#endif
#if HAS(4)
    use_schema();
#endif
#if HAS(5) || PART == 9
    use_writer(TELEM_FILE_ROWS);
#endif
#if HAS(6) || PART == 10
    use_writer(TELEM_FILE_MINI);
#endif
#if HAS(13) || PART == 14
    use_small_writer();
#endif
#if HAS(7)
    use_reader();
#endif
}

#ifdef REPORT
extern uint32_t end[];
int main(void) {
    static const char *const boards[5] = {"", "m4.", "m33.", "m0.", "stm32f4."};
    static const char *const parts[15] = {"nothing", "ring", "ring_shared", "attach", "schema", "rows", "mini", "reader", "all", "rows_small", "mini_small", "small", "small_shared", "small_rows", "small_mini"};
    uint32_t *p;
    uintptr_t here;
    __asm__ volatile("mov %0, sp" : "=r"(here));
    for (p = end; (uintptr_t)p < here; p++) *p = 0xA5A5A5A5u;
    use();
    for (p = end; *p == 0xA5A5A5A5u; p++) {}
    host_print("mcu."), host_print(boards[BOARD]), host_print(parts[PART]), host_print(".ram "), host_number(ram);
    host_print(" bytes\nmcu."), host_print(boards[BOARD]), host_print(parts[PART]), host_print(".stack ");
    host_number((uint32_t)(here - (uintptr_t)p)), host_print(" bytes\n");
    return 0;
}
#else
int main(void) {
    use();
    must(TELEM_OK);
    return sink + (int)ram;
}
#endif
