/* small_node.c - a node with little flash: a timer interrupt logs into the small ring, main drains it into the small
   writer and that into the UART's DMA. What the ring refused while the line stood still is told in the stream. The PC
   prints the schema first (encode.c); at the other end of the line:  telem info /dev/ttyUSB0,  telem cat ... */
#define TELEM_IMPLEMENTATION
#define TELEM_NO_STDIO
#define TELEM_NO_POSIX
#define TELEM_NO_LZ4
#define TELEM_NO_XXH3
#define TELEM_FILE_NO_MINI /* or TELEM_FILE_NO_ROWS, and TELEM_FILE_MINI below */
#include "telem_ring.h"
#include "telem_file.h"
#include "port.h"
#include "records.h"
#include "node_encoded.h"

enum { NODE = 1, BLOCK = 256 };

static uint64_t ring_memory[1024 / 8];
static uint64_t memory[TELEM_FILE_SMALL_ROWS_BYTES(node, BLOCK) / 8 + 1];
static telem_ring_small *ring;
static telem_io io;
static const telem_file_small_desc desc = {&io, port_clock, sizeof port_clock, 0, 0, 0, 0, 0};
static const telem_file_small_stream_desc stream = {
    &node, NODE, TELEM_FILE_ROWS, memory, sizeof memory, BLOCK, 0, 0, 0,
    PORT_HZ / 10u, /* ticks: a row waits no longer; then: a KEY, an announcement so often */
    PORT_HZ, PORT_HZ};
static telem_file_small writer;
static telem_file_small_stream nodes;

/* port_ticks wraps; the writer's times are of 64 bits and must not. A state for each context that reads the counter, at
   least twice in a wrap. */
static const telem_clock clock = {NULL, NULL, PORT_HZ, 1, PORT_BITS, TELEM_DOMAIN_BOOT};
static telem_clock_state sampling, draining;

void port_on_timer(void) {
    static Node r;
    r.n++;
    r.accel[0] = (int16_t)(r.n * 37u % 1000u);
    r.volt = 3.3f;
    /* the ring keeps the low 32 bits, its reader extends them again */
    (void)telem_ring_small_push(ring, NODE, (uint32_t)telem_clock_extend(&sampling, port_ticks()), &r, sizeof r);
}

/* ---- out: the DMA sends from a copy; a block comes in three calls ---- */

static uint8_t tx[64] __attribute__((aligned(32)));
static volatile int sending;
void port_on_sent(void) { sending = 0; }
static int64_t line_write(void *user, const void *p, size_t n) {
    (void)user;
    if (n > sizeof tx) n = sizeof tx; /* the writer brings the rest in another call */
    while (sending) {}                /* the ring takes what comes meanwhile */
    memcpy(tx, p, n);
    port_clean(tx, (uint32_t)n);
    sending = 1;
    port_send(tx, (uint32_t)n);
    return (int64_t)n; /* an error: TELEM_ERR_IO; the writer tells what was lost by it */
}

/* ---- ---- */

static void drain(void) {
    static uint64_t told;
    telem_ring_record rec;
    telem_ring_counts c;
    while (telem_ring_small_peek(ring, &rec) == TELEM_OK) {
        (void)telem_file_small_write(&writer, &nodes, rec.time, rec.data);
        (void)telem_ring_small_release(ring);
    }
    telem_ring_small_stats(ring, &c, NULL);
    if (c.refused != told) {
        (void)telem_file_small_loss(&writer, TELEM_HOP_RING_REFUSED, TELEM_CAUSE_FULL, NODE, c.refused - told, c.refused);
        told = c.refused;
    }
    (void)telem_file_small_poll(&writer, telem_clock_extend(&draining, port_ticks()));
}

int main(void) {
    uint32_t now = port_ticks();
    telem_clock_start(&sampling, &clock, now);
    telem_clock_start(&draining, &clock, now);
    io.write = line_write;
    if (telem_ring_small_init(&ring, ring_memory, sizeof ring_memory, TELEM_RING_REFUSE, (int64_t)now) != TELEM_OK) return 1;
    (void)telem_file_small_open(&writer, &desc, now + 1u); /* the session: better a boot counter, never 0 */
    if (telem_file_small_add(&writer, &nodes, &stream) != TELEM_OK) return 1;
    port_timer(1000);
    while (port_wait()) drain();
    drain(); /* a node that never stops has no need of these */
    (void)telem_file_small_close(&writer);
    while (sending) {}
    return 0;
}
