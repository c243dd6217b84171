/* sd_card.c - a logger onto an SD card (or NOR flash) without a file system. The writer hands over whole
   sectors, one after the other, each once: nothing is read back or written twice. A card may take 250 ms for
   one write, and the power may go in any of them: the ring holds what comes meanwhile, and what is on the
   card is a valid stream up to the last whole block. On a PC:  telem info /dev/sdX  or a copy of the card.

   FIRST .. LAST are erased once (all 00 or all FF). Each start appends a session behind the one before. */
#define TELEM_IMPLEMENTATION
#define TELEM_NO_STDIO
#define TELEM_NO_POSIX
#define TELEM_NO_LZ4
#define TELEM_NO_XXH3
#define TELEM_RING_NO_SHARED
#include "telem_ring.h"
#include "telem_file.h"
#include "port.h"

#define FIRST 2048u /* sectors: 1 MB in, where a partition would begin */
#define LAST  (FIRST + 65535u)
enum { IMU = 1 };

#define IMU_TABLE(F)                                                                                      \
    F(COUNT, u32, n, "number of this record")                                                             \
    F(SCALED, i16, ax, "m/s^2", 0.01, 0.0, "forward")                                                     \
    F(SCALED, i16, ay, "m/s^2", 0.01, 0.0, "to the right") F(SCALED, i16, az, "m/s^2", 0.01, 0.0, "down") \
        F(SCALED, i16, gx, "deg/s", 0.1, 0.0, "roll rate")                                                \
            F(SCALED, i16, gy, "deg/s", 0.1, 0.0, "pitch rate")                                           \
                F(SCALED, i16, gz, "deg/s", 0.1, 0.0, "yaw rate")
TELEM_DEFINE(Imu, IMU_TABLE, "inertial unit");

/* 1 kHz x 24 bytes x 0.25 s, and as much again. A microcontroller with less: fewer records in a second. */
static uint64_t ring_memory[16384 / 8];
static uint64_t file_memory[6144 / 8], copy[64 / 8];
static telem_ring *ring;
static telem_ring_writer imu;
static telem_ring_reader reader;
static telem_file_writer file;
static telem_io io;

static uint64_t now(void *user) {
    (void)user;
    return port_ticks();
}
static const telem_clock clock = {now, NULL, PORT_HZ, 1, PORT_BITS, TELEM_DOMAIN_BOOT};

static void must(telem_result r) {
    while (r != TELEM_OK && port_wait()) {} /* a mistake in a desc: look at r here */
}

/* ---- the card as a telem_io ---- */

static uint32_t next_sector;
static uint64_t sector[PORT_SECTOR / 8];

/* n is a multiple of io.block_size; p lies in file_memory, 8-aligned. */
static int64_t card_write(void *user, const void *p, size_t n) {
    uint32_t count = (uint32_t)(n / PORT_SECTOR);
    (void)user;
    if (next_sector + count > LAST + 1u) return TELEM_ERR_SPACE;
    port_clean(p, (uint32_t)n);
    if (!port_sectors_write(next_sector, p, count)) return TELEM_ERR_IO;
    next_sector += count;
    return (int64_t)n;
}

static int is_free(uint32_t at) {
    uint32_t i;
    if (!port_sectors_read(at, sector, 1)) return 0;
    for (i = 1; i < PORT_SECTOR / 8; i++)
        if (sector[i] != sector[0]) return 0;
    return sector[0] == 0 || sector[0] == UINT64_MAX;
}
/* The first free sector behind all that was ever written: 16 reads. (A sector of nothing but zeros inside
   a stream would mislead it; the codings make no such runs.) */
static uint32_t find_end(void) {
    uint32_t low = FIRST, high = LAST + 1u;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2u;
        if (is_free(middle))
            high = middle;
        else
            low = middle + 1u;
    }
    return low;
}

/* ---- ---- */

void port_on_timer(void) {
    static Imu r;
    r.ax = (int16_t)(r.n % 40u), r.ay = (int16_t)(r.n % 17u), r.az = (int16_t)(981 + (int)(r.n % 5u));
    (void)telem_ring_push(&imu, IMU, TELEM_RING_NOW, &r, sizeof r); /* what is refused is counted */
    r.n++;
}

static void open_ring(void) {
    telem_ring_desc d = TELEM_ZERO;
    telem_ring_reader_desc r = TELEM_ZERO;
    d.memory = ring_memory, d.memory_size = sizeof ring_memory;
    d.lanes = 1, d.policy = TELEM_RING_REFUSE, d.clock = &clock;
    r.gating = 1, r.copy = copy, r.copy_size = sizeof copy;
    must(telem_ring_init(&ring, &d));
    must(telem_ring_writer_init(&imu, ring, 0));
    must(telem_ring_reader_init(&reader, ring, &r));
}

static void open_file(void) {
    telem_file_writer_desc w = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    io.write = card_write, io.block_size = PORT_SECTOR;
    w.io = &io, w.memory = file_memory, w.memory_size = sizeof file_memory; /* telem_file_writer_bytes() */
    w.session = next_sector;     /* another at each start, and never again on this card */
    w.profile = TELEM_FILE_WIRE; /* small frames, no index to keep in RAM: the reader finds its way without */
    w.coding = TELEM_FILE_MINI, w.block_bytes = 480, w.max_streams = 1, w.max_row = 64;
    w.announce_ns = 60000000000u; /* a card does not lose what a line does */
    w.max_age_ns = 1000000000u;
    must(telem_file_writer_open(&file, &w));
    must(telem_file_add_clock(&file, 1, &clock, "cycles"));
    s.id = IMU, s.clock = 1, s.schema = &Imu_schema;
    must(telem_file_add_stream(&file, &s));
}

/* A second at most is lost when the power goes. It costs what is left of one sector. */
static void sync_each_second(int64_t time) {
    static int64_t last;
    if (time - last < (int64_t)PORT_HZ) return;
    last = time;
    (void)telem_file_writer_sync(&file); /* an error sticks: looked at below */
}

static void drain(void) {
    telem_ring_record rec;
    while (telem_ring_peek(&reader, &rec) == TELEM_OK) {
        if (telem_file_write(&file, rec.stream, rec.time, rec.data) !=
            TELEM_OK)                             /* the card failed: try again; */
            (void)telem_file_writer_clear(&file); /* what is lost, the stream tells */
        sync_each_second(rec.time);
        must(telem_ring_release(&reader));
    }
}

int main(void) {
    telem_ring_counts c = TELEM_ZERO;
    telem_loss l = TELEM_ZERO;
    next_sector = find_end();
    open_ring();
    open_file();
    port_timer(1000);
    while (port_wait()) {
        drain();
        must(telem_ring_stats(ring, &c));
        if (c.refused == l.count) continue; /* the ring was full: the card took longer than it holds */
        l.count = c.refused - l.total, l.total = c.refused, l.stream = IMU, l.hop = TELEM_HOP_RING_REFUSED;
        l.cause = TELEM_CAUSE_FULL, l.text = "";
        (void)telem_file_write_loss(&file, &l);
    }
    return telem_file_writer_close(&file) != TELEM_OK; /* a logger that is switched off has no need of it */
}
