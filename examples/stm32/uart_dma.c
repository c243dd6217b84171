/* uart_dma.c - a logger between two DMA channels. The ADC's DMA fills records where they lie in the ring
   (begin, commit), a timer interrupt logs into its own lane, main codes what comes and hands it to the
   UART's DMA in one of two buffers. No interrupt waits, none masks another, and what had no room is counted
   and told in the stream. At the other end of the line:  telem info /dev/ttyUSB0,  telem cat ...

   Where the records lie matters on a Cortex-M7: the ADC's DMA writes behind the data cache. The ring goes
   into memory that the MPU makes write-through (or not cacheable: then port_clean and port_invalidate are
   empty): such lines are never dirty, so that invalidating a span cannot throw away a neighbour's bytes in
   the same line. DTCM will not do for it on an H7: DMA1 and DMA2 do not reach it. */
#define TELEM_IMPLEMENTATION
#define TELEM_NO_STDIO
#define TELEM_NO_POSIX
#define TELEM_NO_LZ4
#define TELEM_NO_XXH3
#define TELEM_FILE_NO_MINI
#define TELEM_RING_NO_SHARED
#include "telem_ring.h"
#include "telem_file.h"
#include "port.h"

enum { ADC = 1, STATUS = 2, CHANNELS = 16 };

#define ADC_TABLE(F) F(ARRAY, u16, v, 16, "", "what the converter says")
TELEM_DEFINE(Adc, ADC_TABLE, "analogue inputs");
#define STATUS_TABLE(F)                                                \
    F(COUNT, u32, n, "number of this record")                          \
    F(FIELD, u32, skipped, "", "conversions that found the ring full") \
    F(FIELD, u16, sending, "bytes", "with the UART's DMA now")
TELEM_DEFINE(Status, STATUS_TABLE, "how the logger does");

/* On an M7: __attribute__((section(".dma"))), and .dma in write-through memory. */
static uint64_t ring_memory[8192 / 8] __attribute__((aligned(64)));
static uint64_t file_memory[4096 / 8], copy[64 / 8];
static telem_ring *ring;
static telem_ring_writer adc, status; /* a lane each: their interrupts may have any priorities */
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

/* ---- in: the converter's DMA writes into the ring ---- */

static telem_ring_span span;
static uint16_t spare[CHANNELS]; /* when the ring is full the converter goes on, in here */
static uint32_t skipped;

static void convert(void) {
    int room = telem_ring_begin(&adc, ADC, TELEM_RING_NOW, sizeof(Adc), &span) == TELEM_OK;
    if (!room) span.part[0] = NULL, skipped++; /* the ring has counted it, too */
    port_sample(room ? (uint16_t *)span.part[0] : spare, CHANNELS);
}
void port_on_sample(void) {
    if (span.part[0]) {
        port_invalidate(span.part[0], span.size[0]);
        (void)telem_ring_commit(&adc, &span);
    }
    convert();
}

/* ---- out: two buffers, one with the DMA, one being filled ---- */

#define TX_BYTES 512u
static uint8_t tx[2][TX_BYTES] __attribute__((aligned(32))); /* whole cache lines of their own */
static volatile uint16_t sending;
static uint32_t filling, filled;

void port_on_sent(void) { sending = 0; }

static void tx_send(void) {
    if (filled == 0) return;
    port_clean(tx[filling], filled);
    sending = (uint16_t)filled;
    port_send(tx[filling], filled);
    filling ^= 1u, filled = 0;
}
static int64_t tx_write(void *user, const void *p, size_t n) {
    (void)user;
    if (filled == TX_BYTES) {
        while (sending) {} /* the line is slower than what comes: the ring takes it meanwhile */
        tx_send();
    }
    if (n > TX_BYTES - filled) n = TX_BYTES - filled; /* the writer brings the rest in another call */
    memcpy(tx[filling] + filled, p, n);
    filled += (uint32_t)n;
    return (int64_t)n;
}

/* ---- ---- */

void port_on_timer(void) {
    static uint32_t n;
    Status s = TELEM_ZERO;
    s.n = n++, s.skipped = skipped, s.sending = sending;
    (void)telem_ring_push(&status, STATUS, TELEM_RING_NOW, &s, sizeof s); /* what is refused is counted */
}

static void open_ring(void) {
    telem_ring_desc d = TELEM_ZERO;
    telem_ring_reader_desc r = TELEM_ZERO;
    d.memory = ring_memory, d.memory_size = sizeof ring_memory;
    d.lanes = 2, d.policy = TELEM_RING_REFUSE, d.clock = &clock;
    d.contiguous = 1; /* a DMA cannot go round the ring's end */
    r.gating = 1, r.copy = copy, r.copy_size = sizeof copy;
    must(telem_ring_init(&ring, &d));
    must(telem_ring_writer_init(&adc, ring, 0));
    must(telem_ring_writer_init(&status, ring, 1));
    must(telem_ring_reader_init(&reader, ring, &r));
}

static void open_file(void) {
    static const telem_schema *const schemas[] = {&Adc_schema, &Status_schema};
    telem_file_writer_desc w = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    io.write = tx_write;
    w.io = &io, w.memory = file_memory, w.memory_size = sizeof file_memory; /* telem_file_writer_bytes() */
    w.profile = TELEM_FILE_WIRE, w.max_streams = 2, w.max_row = 64,
    w.session = port_ticks() + 1u; /* better: a boot counter */
    w.announce_ns = 1000000000u;   /* a PC that is plugged in late knows the schemas after a second */
    must(telem_file_writer_open(&file, &w));
    must(telem_file_add_clock(&file, 1, &clock, "cycles"));
    for (s.id = ADC; s.id <= STATUS; s.id++) {
        s.clock = 1, s.schema = schemas[s.id - 1u];
        must(telem_file_add_stream(&file, &s));
    }
}

/* What the ring refused since last time goes into the stream. */
static void tell_losses(void) {
    static uint64_t told;
    telem_ring_counts c = TELEM_ZERO;
    telem_loss l = TELEM_ZERO;
    must(telem_ring_stats(ring, &c));
    if (c.refused == told) return;
    l.stream = c.refused_stream, l.hop = TELEM_HOP_RING_REFUSED, l.cause = TELEM_CAUSE_FULL;
    l.count = c.refused - told, l.text = "";
    told = c.refused;
    must(telem_file_write_loss(&file, &l));
}

int main(void) {
    telem_ring_record rec;
    int64_t last = 0;
    open_ring();
    open_file();
    convert();
    port_timer(100);
    while (port_wait()) {
        while (telem_ring_peek(&reader, &rec) == TELEM_OK) {
            must(telem_file_write(&file, rec.stream, last = rec.time, rec.data));
            must(telem_ring_release(&reader));
        }
        must(telem_file_writer_poll(&file, 1, last)); /* closes what has waited for 100 ms */
        tell_losses();
        if (!sending) tx_send();
    }
    must(telem_file_writer_close(&file)); /* a logger that never stops has no need of these */
    while (sending) {}
    tx_send();
    while (sending) {}
    return 0;
}
