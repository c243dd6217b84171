/* Any bytes as a ring that survived: attach, read, notes; then it is taken over and used.
   clang -g -O1 -fsanitize=fuzzer,address,undefined -I. tests/fuzz_ring.c -o fuzz_ring && ./fuzz_ring corpus
   cc -DFUZZ_STANDALONE -I. tests/fuzz_ring.c -o fuzz_ring && ./fuzz_ring files...          replays
   The first byte chooses: 0 the rest is the image; else the rest is a life that makes a ring (its
   desc, pushes, begins, commits), and then what is written over it: so that the fuzzer need not
   find out by itself what a head looks like. FUZZ_SEED=file writes the ring of that input as an
   image. */
#define _POSIX_C_SOURCE 200809L
#define TELEM_STATIC
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) { fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); abort(); } } while (0)

static uint64_t memory[65536 / 8];
static uint8_t buf[1 << 16];

static void read_all(telem_ring_image *im) {
    telem_ring_record rec;
    telem_result res;
    uint64_t n = 0, skipped = 0;
    while ((res = telem_ring_image_read(im, &rec, buf, sizeof buf)) != TELEM_END) {
        MUST(rec.len <= telem_ring_image_max_record(im) && rec.lane <= 65535u);
        if (res == TELEM_ERR_MEMORY) { /* longer than buf: no more of it */
            MUST(rec.len > sizeof buf);
            skipped = 1;
            break;
        }
        MUST(res == TELEM_OK && rec.data == buf);
        n++;
    }
    MUST(skipped || n == im->account.saved);
}

/* peek, also past many numbers that carry no record. */
static telem_result peek(telem_ring_reader *rd, telem_ring_record *rec) {
    telem_result res = TELEM_AGAIN;
    int tries;
    for (tries = 0; tries < 100 && res == TELEM_AGAIN; tries++) res = telem_ring_peek(rd, rec);
    return res;
}

static void look(const uint8_t *bytes, size_t size) {
    static uint64_t cursors[TELEM_RING_IMAGE_BYTES(64) / 8];
    telem_ring_image im;
    telem_ring_attach_desc d = TELEM_ZERO;
    telem_ring_note_info note;
    const telem_ring_account *a = &im.account;
    uint32_t i;
    d.bytes = bytes, d.size = size, d.cursors = cursors, d.cursors_size = sizeof cursors;
    if (telem_ring_attach(&im, &d) != TELEM_OK) return;
    MUST(a->committed == a->saved + a->overwritten + a->half + a->damaged + a->outside);
    MUST(a->saved <= size / 8u);
    read_all(&im);
    telem_ring_image_rewind(&im);
    read_all(&im);
    for (i = 0; telem_ring_image_note(&im, i, &note) == TELEM_OK; i++) {
        MUST((const uint8_t *)note.data >= bytes && (const uint8_t *)note.data + note.len <= bytes + size);
        MUST(i < size / 16u);
    }
}

/* What was taken over must work, whatever it was. */
static void go_on(telem_ring *ring) {
    static uint64_t copy[65536 / 8];
    telem_ring_reader rd;
    telem_ring_reader_desc q = TELEM_ZERO;
    telem_ring_image im;
    telem_ring_attach_desc d = TELEM_ZERO;
    telem_ring_record rec;
    telem_ring_writer w;
    telem_result res;
    uint32_t i, lanes = telem_ring_lane_bytes(ring, 0) ? ring->fixed.lanes : 0;
    uint64_t n = 0;
    d.bytes = memory, d.size = sizeof memory;
    if (telem_ring_attach(&im, &d) != TELEM_OK) return; /* more lanes than cursors */
    MUST(im.account.damaged + im.account.outside + im.account.lanes_lost + im.account.open == 0);
    q.copy = copy, q.copy_size = sizeof copy;
    MUST(telem_ring_reader_init(&rd, ring, &q) == TELEM_OK);
    while ((res = peek(&rd, &rec)) == TELEM_OK) {
        MUST(telem_ring_release(&rd) == TELEM_OK);
        n++;
    }
    MUST(res == TELEM_EMPTY && n == im.account.saved);
    for (i = 0; i < 60u; i++) {
        int lane = lanes && i % 3u ? (int)(i % lanes) : telem_ring_lane_bytes(ring, ring->fixed.lanes) ? TELEM_RING_SHARED : 0;
        MUST(telem_ring_writer_init(&w, ring, lane) == TELEM_OK);
        MUST(telem_ring_push(&w, 1, INT64_MAX, "abcdefgh", i % 9u <= ring->fixed.max_record ? i % 9u : 0) == TELEM_OK);
        MUST(telem_ring_writer_deinit(&w) == TELEM_OK);
        MUST(peek(&rd, &rec) == TELEM_OK && rec.time == INT64_MAX && memcmp(rec.data, "abcdefgh", rec.len) == 0);
        MUST(telem_ring_release(&rd) == TELEM_OK);
    }
}

static void take_over(void) {
    telem_ring *ring = NULL;
    telem_ring_account a;
    if (telem_ring_resume(&ring, memory, sizeof memory, NULL, &a) == TELEM_OK) go_on(ring);
}

/* ---- the life of a ring, from bytes ---- */

typedef struct source {
    const uint8_t *p;
    size_t n;
} source;
static uint32_t byte(source *s) { return s->n ? (s->n--, *s->p++) : 0; }

static int live(source *s) {
    telem_ring_desc d = TELEM_ZERO;
    telem_ring *ring;
    telem_ring_writer w[4];
    telem_ring_span span[3];
    telem_ring_reader rd;
    telem_ring_reader_desc q = TELEM_ZERO;
    telem_ring_record rec;
    uint32_t shape = byte(s), steps = byte(s), i, open = 0;
    int64_t time = 0;
    d.memory = memory, d.memory_size = sizeof memory;
    d.lanes = shape & 3u;
    if (d.lanes) d.lane_bytes = 512u << (shape >> 2 & 1u);
    if (!d.lanes || (shape & 8u)) d.shared_bytes = 512u << (shape >> 4 & 1u);
    d.policy = shape >> 5 & 1u, d.contiguous = (uint8_t)(shape >> 6 & 1u), d.notes_bytes = shape >> 7 ? 64 : 0;
    if (telem_ring_init(&ring, &d) != TELEM_OK) return 0;
    if (d.notes_bytes) (void)telem_ring_note(ring, 1, "note", 4);
    for (i = 0; i < 4u; i++) (void)telem_ring_writer_init(&w[i], ring, i < d.lanes ? (int)i : TELEM_RING_SHARED);
    q.gating = d.policy == TELEM_RING_REFUSE && (steps & 1u);
    q.copy = buf, q.copy_size = 1024;
    if (telem_ring_reader_init(&rd, ring, &q) != TELEM_OK) return 0;
    for (i = 0; i < steps * 4u; i++) {
        uint32_t op = byte(s);
        telem_ring_writer *use = &w[op & 3u];
        time += (int64_t)op << (op & 0x10u ? 28 : 4);
        if ((op & 0xE0u) == 0xE0u && open < 3u) {
            if (telem_ring_begin(use, op, time, op & 63u, &span[open]) == TELEM_OK && !use->lane) open++;
        } else if ((op & 0xE0u) == 0xC0u && open) (void)telem_ring_commit(&w[3], &span[--open]);
        else if ((op & 0xE0u) == 0xA0u) {
            if (telem_ring_peek(&rd, &rec) == TELEM_OK) (void)telem_ring_release(&rd);
        } else (void)telem_ring_push(use, op * (op & 8u ? 1000u : 1u), time, "0123456789abcdefghijklmnopqrstuvwxyz", op % 37u);
    }
    return 1;
}

/* Triples: where (two bytes, in units of 4 or bytes), and what. */
static void damage(source *s) {
    while (s->n >= 4u) {
        uint32_t at = (byte(s) | byte(s) << 8), how = byte(s), what = byte(s), word;
        if (how & 1u) ((uint8_t *)memory)[at] ^= (uint8_t)what;
        else {
            at = at & ~3u;
            memcpy(&word, (uint8_t *)memory + at, 4);
            word = how & 2u ? word + what - 128u : how & 4u ? 0x01010101u * what : word ^ 1u << (what & 31u);
            memcpy((uint8_t *)memory + at, &word, 4);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    source s;
    if (size == 0) return 0;
    s.p = data + 1, s.n = size - 1u;
    if (data[0] == 0) {
        look(s.p, s.n);
        memset(memory, 0, sizeof memory);
        memcpy(memory, s.p, s.n < sizeof memory ? s.n : sizeof memory);
    } else {
        memset(memory, 0, sizeof memory);
        if (!live(&s)) return 0;
        damage(&s);
        look((const uint8_t *)memory, ((const telem_ring *)(const void *)memory)->fixed.bytes <= sizeof memory ? ((const telem_ring *)(const void *)memory)->fixed.bytes : sizeof memory);
    }
    take_over();
    return 0;
}

#ifdef FUZZ_STANDALONE
int main(int argc, char **argv) {
    static uint8_t data[1 << 20];
    const char *seed = getenv("FUZZ_SEED");
    int i;
    for (i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        size_t n;
        if (!f) {
            perror(argv[i]);
            return 1;
        }
        n = fread(data, 1, sizeof data, f);
        fclose(f);
        (void)LLVMFuzzerTestOneInput(data, n);
        if (seed && (f = fopen(seed, "wb")) != NULL) {
            (void)fwrite("", 1, 1, f);
            (void)fwrite(memory, 1, ((const telem_ring *)(const void *)memory)->fixed.bytes, f);
            fclose(f);
        }
    }
    printf("%d files replayed\n", argc - 1);
    return 0;
}
#endif
