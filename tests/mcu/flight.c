/* flight.c - the quadrotor of examples/vehicle.c on an emulated board, end to end: SysTick flies it and
   logs into two lanes and the shared lane, main drains the ring into telem_file over the UART. Built
   with HOST it is the same program on a PC, over standard output: the bytes must be the same (mcu.sh
   compares them, and reads them with examples/telem.c).
   BREAK=n builds one defect in, which the PC (listen.c) has to find:
     1 some records are released and not written
     2 header and schemas are sent once only
     3 the PC does not count rows told as missing
     4 the PC takes a damaged block's rows
   UART: m4 stm32f4   -DCODING=1 rows, 3 mini   -DBLOCK=256..4096: LZ4 over blocks of so many bytes */
#if defined(HOST)
#include <stdio.h>
#include <stdlib.h>
#else
#include "board.h"
#include "semihost.h"
#endif
#define TELEM_IMPLEMENTATION
#if !defined(BLOCK)
#define TELEM_NO_LZ4
#define BLOCK 512u
#define FILE_BYTES 40000u
#else
#define FILE_BYTES (16000u + 9u * BLOCK) /* 8 streams with a block each, and one for what LZ4 makes */
#endif
#define TELEM_NO_XXH3
#define TELEM_FILE_NO_COLUMNS
#include "telem_ring.h"
#include "telem_file.h"
#include "../../examples/quad.h"

#ifndef CODING
#define CODING TELEM_FILE_ROWS
#endif
#ifndef SECONDS
#define SECONDS 10u
#endif

enum { IMU, MOTORS, BARO, POSE, GPS, BATTERY, FLIGHT, EVENT, STREAMS };
static const telem_schema *const schemas[STREAMS] = {
    &Imu_schema, &Motors_schema, &Baro_schema, &Pose_schema, &Gps_schema, &Battery_schema, &Flight_schema, &Event_schema};

static uint64_t ring_memory[16384 / 8], file_memory[FILE_BYTES / 8], copy[512 / 8];
static quad q;
static telem_ring *ring;
static telem_ring_writer imu, rest, shared;
static telem_ring_reader reader;
static telem_file_writer file;
static volatile uint32_t pushed, done, refused; /* pushed: records of whole milliseconds */
static uint32_t count, drained;

static void end(int status) {
#if defined(HOST)
    fflush(stdout);
    exit(status);
#else
    host_exit(status);
#endif
}
static void must(telem_result r) {
    if (r != TELEM_OK) end(2);
}

static int64_t uart_write(void *user, const void *p, size_t n) {
    (void)user;
#if defined(HOST)
    return (int64_t)fwrite(p, 1, n, stdout);
#else
    {
        const uint8_t *b = (const uint8_t *)p;
        size_t i;
        for (i = 0; i < n; i++) uart_put(b[i]);
        return (int64_t)n;
    }
#endif
}

static void put(telem_ring_writer *w, uint32_t stream, const void *rec) {
    if (telem_ring_push(w, stream, (int64_t)q.ms * 1000, rec, schemas[stream]->size) == TELEM_OK) count++;
    else refused++;
}

/* A millisecond of flight, as in examples/vehicle.c. */
static void fly(void) {
    if (done) return;
    quad_step(&q);
    { Imu r = TELEM_ZERO; quad_read_imu(&q, &r); put(&imu, IMU, &r); }
    if (q.ms % 4 == 0) { Motors r = TELEM_ZERO; quad_read_motors(&q, &r); put(&rest, MOTORS, &r); }
    if (q.ms % 20 == 0) {
        Baro b = TELEM_ZERO;
        Pose p = TELEM_ZERO;
        quad_read_baro(&q, &b), quad_read_pose(&q, &p);
        put(&rest, BARO, &b), put(&rest, POSE, &p);
    }
    if (q.ms % 100 == 0) {
        Gps g = TELEM_ZERO;
        Battery b = TELEM_ZERO;
        Flight f = TELEM_ZERO;
        quad_read_gps(&q, &g), quad_read_battery(&q, &b), quad_read_flight(&q, &f);
        put(&rest, GPS, &g), put(&rest, BATTERY, &b), put(&rest, FLIGHT, &f);
    }
    if (q.event) {
        Event e = TELEM_ZERO;
        size_t n = strlen(q.event);
        e.text.len = (uint32_t)(n < sizeof e.text.data ? n : sizeof e.text.data);
        memcpy(e.text.data, q.event, e.text.len);
        put(&shared, EVENT, &e);
    }
    pushed = count;
    done = q.ms == SECONDS * 1000u;
}
#if !defined(HOST)
void on_systick(void);
void on_systick(void) { fly(); }
#endif

/* Whole milliseconds only: lanes merge by the time of what is there, so the order is the same everywhere. */
static void drain(void) {
    telem_ring_record rec;
    uint32_t until = pushed;
    while (drained != until && telem_ring_peek(&reader, &rec) == TELEM_OK) {
        drained++;
#if !defined(HOST) && BREAK == 1
        if (drained % 2000u != 1999u)
#endif
        must(telem_file_write(&file, rec.stream, rec.time, rec.data));
        must(telem_ring_release(&reader));
    }
}

static void open_all(void) {
    telem_ring_desc d = TELEM_ZERO;
    telem_ring_reader_desc r = TELEM_ZERO;
    telem_file_writer_desc w = TELEM_ZERO;
    telem_clock clock = TELEM_ZERO;
    static telem_io io;
    uint32_t i;
    d.memory = ring_memory, d.memory_size = sizeof ring_memory;
    d.lanes = 2, d.lane_bytes = 4096, d.shared_bytes = 2048, d.shared_records = 32, d.policy = TELEM_RING_REFUSE;
    r.gating = 1, r.copy = copy, r.copy_size = sizeof copy;
    must(telem_ring_init(&ring, &d));
    must(telem_ring_writer_init(&imu, ring, 0));
    must(telem_ring_writer_init(&rest, ring, 1));
    must(telem_ring_writer_init(&shared, ring, TELEM_RING_SHARED));
    must(telem_ring_reader_init(&reader, ring, &r));
    io.write = uart_write;
    clock.hz_num = 1000000, clock.hz_den = 1, clock.bits = 64, clock.domain = TELEM_DOMAIN_USER;
    w.io = &io, w.memory = file_memory, w.memory_size = sizeof file_memory;
    w.session = 0x7E1E3, w.profile = TELEM_FILE_WIRE, w.coding = CODING, w.announce_ns = w.key_ns = 1000000000u;
    w.block_bytes = BLOCK, w.max_block = 2u * BLOCK < 4096u ? 4096u : 2u * BLOCK;
#if !defined(TELEM_NO_LZ4)
    w.lz4 = 1;
#endif
#if !defined(HOST) && BREAK == 2
    w.announce_ns = UINT64_MAX;
#endif
    must(telem_file_writer_open(&file, &w));
    must(telem_file_add_clock(&file, 1, &clock, "simulation"));
    for (i = 0; i < STREAMS; i++) {
        telem_file_stream_desc s = TELEM_ZERO;
        s.id = i, s.clock = 1, s.schema = schemas[i];
        must(telem_file_add_stream(&file, &s));
    }
}

int main(void) {
    quad_init(&q, 7);
#if !defined(HOST)
    uart_start();
#endif
    open_all();
#if defined(HOST)
    while (!done) fly(), drain();
#else
    timer_start(0, 1000000u, 1);
    while (!done) drain();
    timer_stop(0);
#endif
    drain();
    must(telem_file_writer_close(&file));
    end(refused ? 3 : 0);
    return 0;
}
