/* blackbox.c - a flight recorder in .noinit RAM, on an emulated board. Three producers (main, two timers)
   and a reader are at work when SysTick faults in the middle of it, after one tick more in each life; the
   fault handler resets the machine. The next boot attaches to what is there, checks it against what each
   producer had been told, streams all of it over the UART as a telem_file (its losses, too), flips bits and
   attaches again; then it goes on with the same ring or a new one. Built with HOST it is the PC at the other
   end: blackbox FILE finds every record of every life in the stream, or in its account.
   BREAK=n builds one defect in, which the run has to find:
     1 the startup code clears .noinit
     2 the head of what survived is taken on trust (mcu.sh changes a copy of the header)
     3 so are the records between two anchors
     4 bytes are overwritten before the floor is raised above them
   BLACKBOX: m0 m3 m4 m7 m33 stm32f4   SHIFT: 6 */
#include <stdint.h>
#define TELEM_IMPLEMENTATION
#define TELEM_NO_LZ4
#define TELEM_NO_XXH3
#define TELEM_FILE_NO_COLUMNS
#define TELEM_FILE_NO_MINI
#include "telem_ring.h"
#include "telem_file.h"

/* 0: main's lane. 1: the lane of timer 1. 2, 3: timer 2 and main, in the shared lane. */
#define SOURCES 4u
#define MOST    40u /* bytes of a record */

/* What goes over the wire: a record's name and the hash of its bytes; at the end what the producers knew. */
#define SHOT_TABLE(F)                         \
    F(FIELD, u8, source, "", "who logged it") \
    F(FIELD, u8, len, "bytes", "its length")  \
    F(FIELD, u32, n, "", "its number")        \
    F(FIELD, u32, hash, "", "of its bytes")
TELEM_DEFINE(Shot, SHOT_TABLE, "a record that survived");
#define TOLD_TABLE(F)                                                                 \
    F(FIELD, u32, done0, "", "records whose push had returned")                       \
    F(FIELD, u32, done1, "", "")                                                      \
    F(FIELD, u32, done2, "", "")                                                      \
    F(FIELD, u32, done3, "", "") F(FIELD, u32, saved, "", "records that can be read") \
        F(FIELD, u32, gone, "", "records that made room")
TELEM_DEFINE(Told, TOLD_TABLE, "the account of a life");
enum { SHOT = 1, TOLD = 2 };

static uint32_t len_of(uint32_t source, uint32_t n) { return 8u + (n * 37u + source * 11u) % (MOST - 7u); }
static void fill(uint8_t *p, uint32_t source, uint32_t n) {
    uint32_t i, len = len_of(source, n);
    telem_put32(p, source);
    telem_put32(p + 4, n);
    for (i = 8; i < len; i++) p[i] = (uint8_t)(n * 31u + source * 7u + i);
}
static uint32_t hash_of(const uint8_t *p, uint32_t len) {
    uint32_t h = 2166136261u;
    while (len--) h = (h ^ *p++) * 16777619u;
    return h;
}

#if defined(HOST)
/* ---- the PC at the other end ---- */
#include <stdio.h>
#include <stdlib.h>

static struct life {
    uint32_t next[SOURCES], seen;
    uint64_t lost, told;
} life;
static uint32_t lives, rows, gone, ended;

static void want(int ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "blackbox: life %u: %s\n", (unsigned)lives, what);
    exit(1);
}

static void take_shot(const telem_file_item *item) {
    uint8_t bytes[MOST];
    Shot s;
    want(telem_file_get(item, &Shot_schema, &s) == TELEM_OK && s.source < SOURCES, "a row of another kind");
    fill(bytes, s.source, s.n);
    want(s.len == len_of(s.source, s.n) && s.hash == hash_of(bytes, s.len), "a torn record");
    want(life.next[s.source] == 0 || life.next[s.source] == s.n, "a gap inside the records of one producer");
    life.next[s.source] = s.n + 1u;
    life.seen++, rows++;
}

static void take_told(const telem_file_item *item) {
    uint32_t done[SOURCES], i;
    Told t;
    want(telem_file_get(item, &Told_schema, &t) == TELEM_OK, "an account of another kind");
    done[0] = t.done0, done[1] = t.done1, done[2] = t.done2, done[3] = t.done3;
    for (i = 0; i < SOURCES; i++)
        want(life.next[i] == 0 || life.next[i] == done[i] || life.next[i] == done[i] + 1u,
             "the last record of a producer is not there");
    want(life.seen == t.saved && life.lost == t.gone, "not all that was saved was streamed");
    gone += t.gone, life.told++;
}

int main(int argc, char **argv) {
    static uint64_t memory[1 << 19];
    FILE *f = fopen(argc > 1 ? argv[1] : "", "rb");
    telem_io io;
    telem_file_reader_desc d = TELEM_ZERO;
    static telem_file_reader r;
    telem_file_item item;
    telem_result res;
    if (!f) return 2;
    io = telem_io_stdio(f);
    d.io = &io, d.memory = memory, d.memory_size = sizeof memory;
    want(telem_file_reader_open(&r, &d) == TELEM_OK, "the board sent no stream");
    do {
        res = telem_file_next(&r, &item);
        if (res != TELEM_OK) break;
        if (item.kind == TELEM_ITEM_SESSION) memset(&life, 0, sizeof life), lives++;
        if (item.kind == TELEM_ITEM_LOSS) life.lost += item.loss.count;
        want(item.kind != TELEM_ITEM_DAMAGE && item.kind != TELEM_ITEM_MISSING, "damage on a clean line");
        if (item.kind == TELEM_ITEM_ROW && item.stream->id == SHOT) take_shot(&item);
        if (item.kind == TELEM_ITEM_ROW && item.stream->id == TOLD) take_told(&item);
        if (item.kind == TELEM_ITEM_END) want(life.told == 1, "no account"), ended++;
    } while (res == TELEM_OK);
    want(res == TELEM_END && ended == lives && lives > 100u && rows > 10u * lives && gone > 0,
         "too little came");
    printf("%u lives, %u records read, %u made room\n", (unsigned)lives, (unsigned)rows, (unsigned)gone);
    return 0;
}

#else
/* ---- the board ---- */
#include "board.h"
#include "semihost.h"

#define LIVES (SCALE == 1 ? 128u : 1000u)
#define FLIPS 16u
#define MAGIC 0xB1ACB0Cu

static uint64_t memory[3072 / 8] __attribute__((section(".noinit"), aligned(64)));

/* What the test itself keeps over a reset. */
static struct {
    uint32_t magic, lives, seed;
    uint32_t done[SOURCES]; /* records whose push or commit has returned */
    uint32_t released;      /* records that the ring need not hold any more */
    uint32_t killed;        /* 1: by the timer, as intended */
    uint32_t saved, opened, refused, flips, damaged;
} told __attribute__((section(".keep")));

static telem_ring *ring;
static telem_ring_writer writer[3]; /* main's lane, that of timer 1, the shared one */
static telem_ring_reader gate;
static uint64_t copy[MOST / 8u];
static volatile uint32_t now;
/* bit 0: OVERWRITE; bit 1: go on with the ring of the life before; bit 2: contiguous */
static uint32_t mode;

static void fail(const char *what, uint32_t a, uint32_t b) {
    host_print("FAILED: "), host_print(what), host_print(", "), host_number(a), host_print(" "),
        host_number(b);
    host_print(", life "), host_number(told.lives), host_print("\n");
    host_exit(1);
}
static void want(int ok, const char *what) {
    if (!ok) fail(what, 0, 0);
}
static uint32_t chance(uint32_t n) {
    told.seed = told.seed * 1664525u + 1013904223u;
    return (told.seed >> 8) % n;
}

/* -- the life that is killed -- */

static void put(telem_ring_writer *w, uint32_t source) {
    uint8_t bytes[MOST];
    uint32_t n = told.done[source], len = len_of(source, n);
    telem_ring_span span;
    telem_result res;
    fill(bytes, source, n);
    if (n % 3u == 0) {
        res = telem_ring_begin(w, source, (int64_t)++now, len, &span);
        if (res == TELEM_OK) (void)telem_ring_span_write(w, &span, 0, bytes, len);
        if (res == TELEM_OK && now % 16u == 0)
            (void)telem_ring_abort(w, &span), res = TELEM_FULL;
        else if (res == TELEM_OK)
            res = telem_ring_commit(w, &span);
    } else
        res = telem_ring_push(w, source, (int64_t)++now, bytes, len);
    if (res == TELEM_OK)
        told.done[source] = n + 1u; /* else again */
    else if (res != TELEM_FULL)
        fail("push", source, (uint32_t)-res);
}

void on_timer1(void);
void on_timer2(void);
void on_systick(void);
void on_fault(const uint32_t *frame);
void on_timer1(void) { timer_acknowledge(1), put(&writer[1], 1); }
void on_timer2(void) { timer_acknowledge(2), put(&writer[2], 2); }
void on_systick(void) {
    told.killed = 1;
    __asm__ volatile("udf #0");
}
void on_fault(const uint32_t *frame) {
    (void)frame;
    if (!told.killed) { fail("a fault while looking at what survived", 0, 0); }
    REG(0xE000ED0C) = 0x05FA0004; /* SYSRESETREQ */
    for (;;) {}
}

static void drain(void) {
    telem_ring_record rec;
    if (mode & 1u || now % 3u || telem_ring_peek(&gate, &rec) != TELEM_OK) return;
    told.released++; /* before: it may be gone when we are killed */
    (void)telem_ring_release(&gate);
}

/* A gating reader from the oldest record on. Of what a ring that goes on had saved it may lack a block of
   64 bytes in each lane. */
static void hold(void) {
    telem_ring_reader_desc r = TELEM_ZERO;
    telem_ring_reader_counts has = TELEM_ZERO;
    telem_ring_counts c = TELEM_ZERO;
    r.gating = 1, r.copy = copy, r.copy_size = sizeof copy;
    want(telem_ring_reader_init(&gate, ring, &r) == TELEM_OK, "reader");
    want(telem_ring_reader_stats(&gate, &has) == TELEM_OK && telem_ring_stats(ring, &c) == TELEM_OK, "stats");
    if (has.queued + told.released + 2u * 64u / 16u < c.committed)
        fail("the ring goes on without what was saved", (uint32_t)has.queued, (uint32_t)c.committed);
    told.released = (uint32_t)(c.committed - has.queued);
}

static void live(uint32_t ticks) {
    uint32_t i;
    for (i = 0; i < 3u; i++)
        want(telem_ring_writer_init(&writer[i], ring, i < 2u ? (int)i : TELEM_RING_SHARED) == TELEM_OK,
             "writer");
    if (!(mode & 1u)) hold();
    told.killed = 0;
    timer_start(1, 230000u, 2), timer_start(2, 310000u, 1);
    systick_priority(0);
    SYST_RVR = ticks, SYST_CVR = 0, SYST_CSR = 7;
    for (i = 0;; i++) put(&writer[i % 2u * 2u], i % 2u * 3u), drain();
}

/* -- the next boot -- */

static telem_ring_image image;
static uint8_t record[MOST];

static uint64_t sum_of(const telem_ring_account *a) {
    return a->saved + a->overwritten + a->half + a->damaged + a->outside;
}

static telem_result attach(void) {
    telem_ring_attach_desc d = TELEM_ZERO;
    d.bytes = memory, d.size = sizeof memory;
    return telem_ring_attach(&image, &d);
}
/* Its source; SOURCES: the bytes are those of no record. */
static uint32_t whose(const telem_ring_record *r, uint32_t *n) {
    uint8_t bytes[MOST];
    uint32_t source;
    if (r->len < 8u || r->len > MOST) return SOURCES;
    source = telem_get32(record), *n = telem_get32(record + 4);
    if (source >= SOURCES || r->len != len_of(source, *n)) return SOURCES;
    fill(bytes, source, *n);
    return memcmp(bytes, record, r->len) == 0 ? source : SOURCES;
}

/* The wire. */
static telem_file_writer file;
static int64_t uart_write(void *user, const void *p, size_t n) {
    const uint8_t *b = (const uint8_t *)p;
    size_t i;
    (void)user;
    for (i = 0; i < n; i++) uart_put(b[i]);
    return (int64_t)n;
}
static void wire_open(void) {
    static uint64_t room[5120 / 8];
    static telem_io io;
    telem_file_writer_desc w = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    io.write = uart_write;
    w.io = &io, w.memory = room, w.memory_size = sizeof room, w.session = told.lives + 1u;
    w.profile = TELEM_FILE_WIRE, w.coding = TELEM_FILE_ROWS, w.max_streams = 2, w.max_age_ns = UINT64_MAX;
    want(telem_file_writer_open(&file, &w) == TELEM_OK, "writer_open");
    s.id = SHOT, s.schema = &Shot_schema;
    want(telem_file_add_stream(&file, &s) == TELEM_OK, "add_stream");
    s.id = TOLD, s.schema = &Told_schema;
    want(telem_file_add_stream(&file, &s) == TELEM_OK, "add_stream");
}
static void wire_shot(const telem_ring_record *r, uint32_t source, uint32_t n) {
    Shot s = TELEM_ZERO;
    s.source = (uint8_t)source, s.len = (uint8_t)r->len, s.n = n, s.hash = hash_of(record, r->len);
    want(telem_file_write(&file, SHOT, r->time, &s) == TELEM_OK, "write");
}
static void wire_close(uint32_t lost) {
    Told t = TELEM_ZERO;
    telem_loss l = TELEM_ZERO;
    l.stream = SHOT, l.hop = TELEM_HOP_RING_OVERWRITTEN, l.cause = TELEM_CAUSE_OVERWRITTEN, l.count = lost,
    l.text = "";
    t.done0 = told.done[0], t.done1 = told.done[1], t.done2 = told.done[2], t.done3 = told.done[3];
    t.saved = (uint32_t)image.account.saved, t.gone = lost;
    if (lost) want(telem_file_write_loss(&file, &l) == TELEM_OK, "write_loss");
    want(telem_file_write(&file, TOLD, 0, &t) == TELEM_OK, "write");
    want(telem_file_writer_close(&file) == TELEM_OK, "close");
}

/* Each producer's records: a run without a gap, up to the last that it was told of or one more. */
static void check_survivors(void) {
    const telem_ring_account *a = &image.account;
    uint32_t next[SOURCES], i, n = 0, count = 0, source, done = 0;
    telem_ring_record r;
    telem_result res;
    res = attach();
    if (res != TELEM_OK) fail("nothing survived", (uint32_t)-res, 0);
    memset(next, 0xFF, sizeof next);
    wire_open();
    for (; (res = telem_ring_image_read(&image, &r, record, sizeof record)) == TELEM_OK; count++) {
        source = whose(&r, &n);
        if (source == SOURCES || r.stream != source || r.lane != (source < 2u ? source : 2u))
            fail("a torn record", r.lane, count);
        if (next[source] != UINT32_MAX && next[source] != n) fail("a gap", source, n);
        next[source] = n + 1u;
        wire_shot(&r, source, n);
    }
    if (res != TELEM_END || count != a->saved)
        fail("not all that was saved is read", count, (uint32_t)a->saved);
    wire_close((uint32_t)(a->overwritten + a->half));
    for (i = 0; i < SOURCES; i++) {
        if (next[i] == UINT32_MAX && i < 2u && told.done[i] > 1u) fail("a lane is empty", i, told.done[i]);
        if (next[i] == UINT32_MAX) next[i] = told.done[i]; /* others have overwritten all of it */
        if (next[i] != told.done[i] && next[i] != told.done[i] + 1u)
            fail("the last record is not there", i, told.done[i]);
        told.done[i] = next[i];
        done += next[i];
    }
    /* a lane's record is counted just before it comes into sight: one in each may have been on its way */
    if (a->committed - done > (a->half < 2u ? a->half : 2u) || a->committed != sum_of(a))
        fail("the account does not close", (uint32_t)a->committed, done);
    if (a->damaged + a->outside + a->lanes_lost + a->unknown)
        fail("sound memory is called damaged", (uint32_t)a->damaged, a->unknown);
    if (!(mode & 1u) && a->saved + told.released < a->committed)
        fail("a record that was held is gone", (uint32_t)a->saved, told.released);
    told.saved += count, told.opened += a->open > 0, told.refused += a->refused > 0;
}

/* Bits that decayed: what is yielded is what was there, but for one record's bytes, which have no check. */
static void flip_bits(void) {
    uint8_t *bytes = (uint8_t *)memory, bit;
    uint32_t i, at, n, wrong, count;
    telem_ring_record r;
    for (i = 0; i < FLIPS; i++) {
        at = i == 0 ? chance(128u) : chance(sizeof memory); /* the head, and anywhere */
        bit = (uint8_t)(1u << chance(8u));
        bytes[at] ^= bit;
        told.flips++;
        if (attach() == TELEM_OK) {
            for (wrong = count = 0;
                 count < 1000u && telem_ring_image_read(&image, &r, record, sizeof record) == TELEM_OK;
                 count++)
                wrong += whose(&r, &n) == SOURCES;
            if (wrong > 1u || count != image.account.saved)
                fail("damage is delivered: records wrong, at byte", wrong, at);
            if (image.account.committed != sum_of(&image.account))
                fail("the account of damage does not close, byte", at, 0);
            told.damaged += image.account.damaged + image.account.unknown > 0;
        } else
            told.damaged++;
        bytes[at] ^= bit;
    }
}

static void begin(void) {
    telem_ring_account a = TELEM_ZERO;
    telem_ring_desc d = TELEM_ZERO;
    if (told.lives && (mode & 2u)) {
        want(telem_ring_resume(&ring, memory, sizeof memory, NULL, &a) == TELEM_OK, "resume");
        told.released = (uint32_t)(a.committed - a.saved);
        return;
    }
    memset(told.done, 0, sizeof told.done);
    told.released = 0;
    d.memory = memory, d.memory_size = sizeof memory;
    d.lanes = 2, d.lane_bytes = 512, d.shared_bytes = 512, d.shared_records = 32, d.max_record = MOST;
    d.policy = mode & 1u ? TELEM_RING_OVERWRITE : TELEM_RING_REFUSE, d.contiguous = (uint8_t)(mode >> 2 & 1u);
    want(telem_ring_init(&ring, &d) == TELEM_OK, "init");
}

#if BREAK == 1
void initialise_monitor_handles(void);
void initialise_monitor_handles(void) { memset(memory, 0, sizeof memory); }
#endif

int main(void) {
    uart_start();
    if (told.magic != MAGIC) {
        want(attach() == TELEM_ERR_NOT_FOUND, "a ring after power-on");
        memset(&told, 0, sizeof told);
        told.magic = MAGIC, told.seed = 7;
    } else {
        want((int)told.killed, "a reset that was not asked for");
        told.killed = 0;
        mode = told.lives / 2u % 8u & 5u; /* of the life that ended */
        check_survivors();
        flip_bits();
        told.lives++;
    }
    if (told.lives < LIVES) {
        mode = (told.lives / 2u % 8u & 5u) | (told.lives % 2u) * 2u; /* each ring has two lives */
        begin();
        live(TICK(0, (60u + told.lives * 61u % 4000u) * 1000u) + told.lives);
    }
    host_number(told.lives), host_print(" lives, "), host_number(told.saved), host_print(" records saved, "),
        host_number(told.opened);
    host_print(" with a record open, "), host_number(told.refused), host_print(" with some refused; "),
        host_number(told.flips);
    host_print(" flipped bits, "), host_number(told.damaged), host_print(" told\n");
    want(told.saved > 10u * LIVES && told.opened > LIVES / 16u && told.refused > LIVES / 16u &&
             told.damaged > LIVES,
         "the test has seen too little");
    return 0;
}
#endif
