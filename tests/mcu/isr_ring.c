/* isr_ring.c - three timers, nested three deep, log through one ring while main drains it.
   Every handler pushes into the lane of its priority and into the shared lane; main does so, too.
   Runs all of: REFUSE with a gating reader, OVERWRITE with a copying one; idle, busy, overload
   (the timers fire faster than their handlers end; each stops itself after its share).
   Checked: no record is torn, out of order or twice; what was not delivered is accounted for.
   BREAK=n builds one defect in, which the run has to find:
     1 the reader gives the record back before it reads it
     2 plain increment for fetch_add
     3 compare-and-swap as three plain steps (hangs)
   BOARDS: m0 m3 m4 m7 m33 */
#include "board.h"
#include "broken_atomics.h"
#include "semihost.h"
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"

#define SOURCES 4u /* timers 0..2, and main */
#define WORDS 6u

static uint64_t memory[7168 / 8], copy[64 / 8];
static telem_ring *ring;
static telem_ring_writer lane[SOURCES], shared;
static struct {
    uint32_t offered[2], pushed[2]; /* [0] lane, [1] shared */
    uint32_t next[2], seen[2];
} source[SOURCES];
static volatile uint32_t now, depth, deepest, left[3]; /* left: interrupts until timer i stops itself */
static uint32_t bad;
static const char *why;

static void fail(const char *what) {
    if (!bad++) why = what;
}

/* A record that shows whether it is whole: its source, its number, words that follow from both. */
static void put(telem_ring_writer *w, uint32_t s, uint32_t kind) {
    uint32_t rec[WORDS], i, n = source[s].offered[kind]++, words = 2u + n % (WORDS - 1u);
    telem_result res;
    rec[0] = s << 24 | kind << 16 | words, rec[1] = n;
    for (i = 2; i < words; i++) rec[i] = (n * 2654435761u) ^ (s * 40503u) ^ i;
    res = telem_ring_push(w, 1u + s, (int64_t)++now, rec, words * 4u);
    if (res == TELEM_OK) source[s].pushed[kind]++;
    else if (res != TELEM_FULL) fail("push answers neither OK nor FULL");
}

static void handler(uint32_t s) {
    if (left[s] == 0 || --left[s] == 0) timer_stop((int)s);
    depth++;
    if (depth > deepest) deepest = depth;
    put(&lane[s], s, 0);
    put(&shared, s, 1);
    depth--;
}
void on_systick(void);
void on_timer1(void);
void on_timer2(void);
void on_systick(void) { handler(0); }
void on_timer1(void) { timer_acknowledge(1); handler(1); }
void on_timer2(void) { timer_acknowledge(2); handler(2); }

static void look_at(const telem_ring_record *r) {
    uint32_t rec[WORDS], i, s, kind, words;
    if (r->len < 8 || r->len > sizeof rec) { fail("length out of range"); return; }
    memcpy(rec, r->data, r->len);
    s = rec[0] >> 24, kind = rec[0] >> 16 & 0xFF, words = rec[0] & 0xFFFF;
    if (s >= SOURCES || kind > 1 || words * 4u != r->len || r->stream != 1u + s) { fail("torn head"); return; }
    for (i = 2; i < words; i++)
        if (rec[i] != ((rec[1] * 2654435761u) ^ (s * 40503u) ^ i)) { fail("torn payload"); return; }
    if (rec[1] < source[s].next[kind]) fail("out of order, or twice");
    source[s].next[kind] = rec[1] + 1u;
    source[s].seen[kind]++;
}

/* Takes at most n records. Answers how many there were. */
static uint32_t drain(telem_ring_reader *rd, uint32_t n) {
    telem_ring_record rec;
    uint32_t got = 0;
    telem_result res;
    while (got < n && (res = telem_ring_peek(rd, &rec)) != TELEM_EMPTY) {
        if (res == TELEM_AGAIN) continue;
        if (res != TELEM_OK) { fail("peek"); break; }
        if (BREAK != 1) look_at(&rec);
        if (telem_ring_release(rd) != TELEM_OK) fail("release");
        if (BREAK == 1) look_at(&rec);
        got++;
    }
    return got;
}

static void run(uint32_t policy, const uint32_t period[3], uint32_t interrupts, uint32_t pause) {
    telem_ring_desc d = TELEM_ZERO;
    telem_ring_reader_desc rdd = TELEM_ZERO;
    telem_ring_reader rd;
    telem_ring_counts c = TELEM_ZERO;
    telem_ring_reader_counts rc = TELEM_ZERO;
    uint32_t i, k, offered = 0, pushed = 0;
    volatile uint32_t wait;

    memset(source, 0, sizeof source);
    d.memory = memory, d.memory_size = sizeof memory;
    d.lanes = SOURCES, d.lane_bytes = 512, d.shared_bytes = 512, d.policy = policy;
    if (telem_ring_init(&ring, &d) != TELEM_OK) { fail("init"); return; }
    for (i = 0; i < SOURCES; i++)
        if (telem_ring_writer_init(&lane[i], ring, (int)i) != TELEM_OK) fail("writer");
    if (telem_ring_writer_init(&shared, ring, TELEM_RING_SHARED) != TELEM_OK) fail("shared writer");
    rdd.gating = policy == TELEM_RING_REFUSE;
    rdd.copy = copy, rdd.copy_size = sizeof copy;
    if (telem_ring_reader_init(&rd, ring, &rdd) != TELEM_OK) { fail("reader"); return; }

    for (i = 0; i < 3; i++) left[i] = interrupts;
    for (i = 0; i < 3; i++) timer_start((int)i, period[i] + 1480u * i, 3u - i);
    while (left[0] || left[1] || left[2]) {
        put(&lane[3], 3, 0);
        put(&shared, 3, 1);
        for (wait = 0; wait < pause; wait++) {}
        (void)drain(&rd, 8);
    }
    while (drain(&rd, 64)) {}

    if (telem_ring_stats(ring, &c) != TELEM_OK) fail("stats");
    if (telem_ring_reader_stats(&rd, &rc) != TELEM_OK) fail("reader stats");
    for (i = 0; i < SOURCES; i++)
        for (k = 0; k < 2; k++) {
            offered += source[i].offered[k], pushed += source[i].pushed[k];
            if (policy == TELEM_RING_REFUSE && source[i].seen[k] != source[i].pushed[k]) fail("a record is missing");
        }
    if (c.offered != offered || c.committed != pushed || c.offered != c.committed + c.refused + c.aborted || c.open)
        fail("the ring's account does not close");
    if (rc.delivered + rc.lost != c.committed || rc.queued) fail("the reader's account does not close");
    host_number(pushed), host_print(" "), host_number((uint32_t)c.refused), host_print(" ");
    host_number((uint32_t)rc.lost), host_print(policy == TELEM_RING_REFUSE ? " refuse\n" : " overwrite\n");
    telem_ring_reader_deinit(&rd);
}

#if BOARD == BOARD_MICROBIT
#define SLOW 2u /* a Cortex-M0 takes that many more instructions */
#else
#define SLOW 1u
#endif

int main(void) {
    static const uint32_t idle[3] = {800000, 600000, 360000}, busy[3] = {SLOW * 92000, SLOW * 78000, SLOW * 86000},
                          over[3] = {36000, 44000, 40000};
    uint32_t policy;
    for (policy = 0; policy <= 1; policy++) {
        run(policy, idle, 150 * SCALE, 10);
        run(policy, busy, 400 * SCALE, 0);
        run(policy, over, 400 * SCALE, 0);
    }
    if (deepest < 3) fail("the handlers never nested three deep");
    if (bad) host_print("FAILED: "), host_print(why), host_print("\n");
    return bad ? 1 : 0;
}
