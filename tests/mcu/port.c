/* port.c - the board of examples/stm32 (port.h) on an emulated one. 20,000 times a second SysTick moves bytes
   as a DMA does: behind the data cache. What the program does not clean the DMA does not see, and the other
   way round. The sample timer is PendSV, less urgent. Sectors lie in a file of the host's.
   The words of the command line:  ms=N  the program ends after so many milliseconds (200);  hold=A-B  the line takes
   nothing between these;  cut=N  the power goes inside the N-th sector;  faults=N  so many lives end by a fault.
   BREAK=n builds one defect in, which the host has to find:
     1 nothing is cleaned
     2 nothing is invalidated */
#include "board.h"
#include "port.h"
#include "semihost.h"

#define PERIOD     50000u /* ns */
#define CONVERSION 20u    /* periods */

static volatile uint32_t periods;
static uint32_t until = 200, hold_from, hold_to, cut, faults;

/* ---- the cache: what is not cleaned is here only, what is not invalidated is stale ---- */

static uint8_t cleaned[2048], sampled[256];
static uint32_t sampled_bytes;

void port_clean(const void *p, uint32_t n) {
    if (n > sizeof cleaned) host_exit(3);
    if (BREAK != 1) memcpy(cleaned, p, n);
}
void port_invalidate(void *p, uint32_t n) {
    if (n > sampled_bytes) host_exit(3);
    if (BREAK != 2) memcpy(p, sampled, n);
}

/* ---- the DMA ---- */

static const uint8_t *volatile sending;
static volatile uint32_t to_send, to_sample;
static uint32_t started, conversions;

__attribute__((weak)) void port_on_sent(void) {}
__attribute__((weak)) void port_on_sample(void) {}

void port_send(const void *p, uint32_t n) {
    if (to_send) host_exit(4); /* the channel is busy */
    (void)p;
    sending = cleaned, to_send = n;
}
void port_sample(uint16_t *to, uint32_t n) {
    (void)to;
    sampled_bytes = 2u * n, started = periods, to_sample = n;
}

static void engine_send(void) {
    uint32_t n = to_send < 32u ? to_send : 32u;
    if (n == 0 || (periods >= hold_from * 20u && periods < hold_to * 20u)) return;
    while (n--) uart_put(*sending++), to_send--;
    if (to_send == 0) port_on_sent();
}
static void engine_sample(void) {
    uint16_t v;
    uint32_t i, n = to_sample;
    if (n == 0 || periods - started < CONVERSION) return;
    for (i = 0; i < n; i++) v = (uint16_t)(conversions * n + i), memcpy(sampled + 2u * i, &v, 2);
    conversions++, to_sample = 0;
    port_on_sample();
}

/* ---- time ---- */

static uint32_t every; /* periods */
void on_systick(void);
void on_pendsv(void);
void on_systick(void) {
    periods++;
    if (every && periods % every == 0) REG(0xE000ED04) = 1u << 28; /* PENDSVSET */
    engine_send();
    engine_sample();
}
void on_pendsv(void) {
    if (every) port_on_timer();
}
void port_timer(uint32_t hz) { every = 1000000000u / PERIOD / hz; }
uint32_t port_ticks(void) { /* 24 bits, so that they wrap */
    uint32_t whole, part;
    do whole = periods, part = SYST_CVR;
    while (whole != periods);
    return (whole * (SYST_RVR + 1u) + SYST_RVR - part) & 0xFFFFFFu;
}

static uint32_t lives __attribute__((section(".keep")));

int port_wait(void) {
    if (periods < until * 20u) return 1;
    if (lives < faults) {
        lives++;
        __asm__ volatile("udf #0");
    }
    every = 0;
    return 0;
}
void port_reset(void) {
    REG(0xE000ED0C) = 0x05FA0004; /* SYSRESETREQ */
    for (;;) {}
}

/* ---- sectors ---- */

static intptr_t card = -1;
static uint32_t written, lowest;

int port_sectors_write(uint32_t first, const void *p, uint32_t n) {
    uint32_t bytes = n * PORT_SECTOR;
    (void)p;
    if (first < lowest) host_exit(5); /* written a second time */
    lowest = first + n;
    if (cut && written + n >= cut) bytes = PORT_SECTOR / 3u;
    if (!host_seek(card, first * PORT_SECTOR) || !host_write(card, cleaned, bytes)) return 0;
    written += n;
    if (bytes != n * PORT_SECTOR) host_close(card), host_exit(0); /* the power went */
    return 1;
}
int port_sectors_read(uint32_t first, void *p, uint32_t n) {
    memset(p, 0, n * PORT_SECTOR); /* behind the file's end the card is erased */
    if (!host_seek(card, first * PORT_SECTOR)) return 0;
    (void)host_read(card, p, n * PORT_SECTOR);
    return 1;
}

/* ---- before main ---- */

static uint32_t number(const char *words, const char *name, uint32_t otherwise) {
    const char *p = strstr(words, name);
    uint32_t n = 0;
    if (!p) return otherwise;
    for (p += strlen(name); *p >= '0' && *p <= '9'; p++) n = n * 10u + (uint32_t)(*p - '0');
    return n;
}
void initialise_monitor_handles(void);
void initialise_monitor_handles(void) {
    static char words[128];
    const char *file;
    host_arguments(words, sizeof words);
    until = number(words, "ms=", until), cut = number(words, "cut=", 0), faults = number(words, "faults=", 0);
    hold_from = number(words, "hold=", 0), hold_to = number(words, "-", 0);
    file = strstr(words, "card=");
    if (file && (card = host_open(file + 5, 3)) < 0) host_exit(6);
    uart_start();
    REG(0xE000ED20) |= 0x00C00000u; /* PendSV: the last of all */
    timer_start(0, PERIOD, 1);
}
