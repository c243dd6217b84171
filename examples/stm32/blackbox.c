/* blackbox.c - a flight recorder in RAM that outlives a reset. The program logs into .noinit; when it faults,
   when the watchdog bites, when somebody presses reset, the next boot finds the ring, sends every committed
   record over the UART as a telem stream (with the count of those that had been overwritten), and starts anew.
   The fault handler adds a record of its own, so that the last thing in the stream is where it happened.

   What real parts need (the manual of telem_ring.h, BLACK BOX, says more):
     linker script   .noinit (NOLOAD) : { *(.noinit*) } >RAM   behind .bss, outside what startup code clears
     Cortex-M7       DTCM, or memory that the MPU makes not cacheable: a dirty line dies with the reset. The
                     fault handler below could clean the cache; a watchdog would not.
     RAM with ECC    (H7) must be written once after power-on before it is read: power-on reset (RCC->RSR,
                     PORRSTF) -> memset(memory, 0, sizeof memory) first; every other reset -> as here
     standby         keeps backup RAM only
   HardFault_Handler in stm32xxxx_it.c becomes two lines (and the same for BusFault, UsageFault, MemManage):
     __attribute__((naked)) void HardFault_Handler(void) {
         __asm__ volatile("mrs r0, msp\n b on_fault"); }   // psp in tasks of an RTOS: test bit 2 of lr */
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

enum { IMU = 1, FAULT = 2 };
enum { LANE_TIMER, LANE_FAULT, LANES };

#define IMU_TABLE(F)                          \
    F(COUNT, u32, n, "number of this record") \
    F(SCALED, i16, ax, "m/s^2", 0.01, 0.0, "forward") F(SCALED, i16, az, "m/s^2", 0.01, 0.0, "down")
TELEM_DEFINE(Imu, IMU_TABLE, "inertial unit");
#define FAULT_TABLE(F)                                                                                    \
    F(FIELD, u32, pc, "", "instruction that faulted")                                                     \
    F(FIELD, u32, lr, "", "and where it was called") F(FIELD, u32, cfsr, "", "configurable fault status") \
        F(FIELD, u32, logged, "", "records of the inertial unit so far")
TELEM_DEFINE(Fault, FAULT_TABLE, "a fault");
static const telem_schema *const schemas[] = {&Imu_schema, &Fault_schema};

static uint64_t memory[8192 / 8] __attribute__((section(".noinit"), aligned(64)));
static telem_ring *ring;
static telem_ring_writer lane[LANES];
static volatile uint32_t logged;

static uint64_t now(void *user) {
    (void)user;
    return port_ticks();
}
static const telem_clock clock = {now, NULL, PORT_HZ, 1, PORT_BITS, TELEM_DOMAIN_BOOT};

static void must(telem_result r) {
    while (r != TELEM_OK && port_wait()) {}
}

/* ---- this life ---- */

void port_on_timer(void) {
    Imu r = TELEM_ZERO;
    r.n = logged, r.ax = (int16_t)(logged % 40u), r.az = (int16_t)(981 + (int)(logged % 5u));
    if (telem_ring_push(&lane[LANE_TIMER], IMU, TELEM_RING_NOW, &r, sizeof r) == TELEM_OK) logged++;
}

/* frame: r0-r3, r12, lr, pc, psr, as the core stacked them. A lane of its own: whatever the fault interrupted,
   even a push, is not in its way. */
void on_fault(const uint32_t *frame);
void on_fault(const uint32_t *frame) {
    Fault f = TELEM_ZERO;
    f.pc = frame[6], f.lr = frame[5], f.logged = logged;
#if !defined(__ARM_ARCH_6M__)
    f.cfsr = *(volatile uint32_t *)(uintptr_t)0xE000ED28u; /* SCB->CFSR */
#endif
    /* a lane extends the clock by itself; this one was silent: about how late it is */
    (void)telem_ring_sync(&lane[LANE_FAULT], (int64_t)logged * (PORT_HZ / 1000u));
    (void)telem_ring_push(&lane[LANE_FAULT], FAULT, TELEM_RING_NOW, &f, sizeof f);
    port_reset();
}

static void record(void) {
    telem_ring_desc d = TELEM_ZERO;
    int i;
    d.memory = memory, d.memory_size = sizeof memory;
    d.lanes = LANES, d.policy = TELEM_RING_OVERWRITE, d.clock = &clock;
    must(telem_ring_init(&ring, &d));
    for (i = 0; i < LANES; i++) must(telem_ring_writer_init(&lane[i], ring, i));
}

/* ---- the life before ---- */

static volatile int busy;
void port_on_sent(void) { busy = 0; }
static int64_t uart_write(void *user, const void *p, size_t n) {
    (void)user;
    port_clean(p, (uint32_t)n);
    busy = 1;
    port_send(p, (uint32_t)n);
    while (busy) {} /* nothing else is to be done yet */
    return (int64_t)n;
}

static void tell_overwritten(telem_file_writer *file, const telem_ring_account *a) {
    telem_loss l = TELEM_ZERO;
    l.stream = TELEM_ALL_STREAMS, l.hop = TELEM_HOP_RING_OVERWRITTEN, l.cause = TELEM_CAUSE_OVERWRITTEN,
    l.text = "";
    l.count = a->overwritten + a->half + a->damaged;
    if (l.count) must(telem_file_write_loss(file, &l));
}

static void send_survivors(telem_ring_image *image) {
    static uint64_t room[4096 / 8], bytes[64 / 8];
    static telem_file_writer file;
    static telem_io io;
    telem_file_writer_desc w = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    telem_ring_record rec;
    io.write = uart_write;
    w.io = &io, w.memory = room, w.memory_size = sizeof room, w.profile = TELEM_FILE_WIRE, w.max_streams = 2,
    w.max_row = 64;
    w.session = image->account.committed + 1u; /* better: a boot counter in backup registers */
    w.max_age_ns = UINT64_MAX;                 /* old by its stamps, but nobody waits for it */
    must(telem_file_writer_open(&file, &w));
    must(telem_file_add_clock(&file, 1, &image->clock, "cycles"));
    for (s.id = IMU; s.id <= FAULT; s.id++) {
        s.clock = 1, s.schema = schemas[s.id - 1u];
        must(telem_file_add_stream(&file, &s));
    }
    tell_overwritten(&file, &image->account);
    while (telem_ring_image_read(image, &rec, bytes, sizeof bytes) == TELEM_OK)
        if (rec.stream >= IMU && rec.stream <= FAULT && rec.len == schemas[rec.stream - 1u]->size)
            must(telem_file_write(&file, rec.stream, rec.time, rec.data));
    must(telem_file_writer_close(&file));
}

int main(void) {
    static telem_ring_image image;
    telem_ring_attach_desc a = TELEM_ZERO;
    a.bytes = memory, a.size = sizeof memory;
    if (telem_ring_attach(&image, &a) == TELEM_OK)
        send_survivors(&image); /* else a cold start: nothing is there */
    record();
    port_timer(1000);
    while (port_wait()) {} /* your program */
    return 0;
}
