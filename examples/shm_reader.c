/* cc -O2 -I. examples/shm_reader.c -o shm_reader */
/* Prints what any publisher publishes (start shm_publisher first), with units and without knowing its
   structs: the streams' schemas lie in the segment. Tells what it lost, waits for a publisher that is
   not there yet or has died, and goes on by itself when it comes back.

       shm_reader [-n FRAMES] [-e EVERY] [NAME]     every EVERYth frame of a stream is printed (100)

   A reader neither slows a publisher down nor needs its leave to come and go. */
#define _POSIX_C_SOURCE 200809L /* only for a strict -std=c99 */
#define TELEM_IMPLEMENTATION
#include "telem_shm.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { STREAMS = 16, A_WHILE = 250000000 }; /* ns */

/* A stream as the segment declares it. `memory` holds the decoded schema. */
typedef struct stream {
    uint32_t id;
    char name[32];
    const telem_schema *schema;
    unsigned long frames;
    uint64_t memory[2048];
} stream;

static stream streams[STREAMS];
static uint32_t stream_count, generation;
static volatile sig_atomic_t stop;

static void on_signal(int number) {
    (void)number;
    stop = 1;
}

static void sleep_ms(unsigned ms) {
#ifdef _WIN32
    Sleep(ms);
#else
    struct timespec t = {0, 0};
    t.tv_nsec = (long)ms * 1000000;
    nanosleep(&t, NULL); /* a signal ends it early, which is what we want */
#endif
}

static int fail(const char *doing, const char *name, telem_result why) {
    const char *advice =
        why == TELEM_ERR_ACCESS ? "; it is another user's: its publisher can set desc.mode to let you in"
        : why == TELEM_ERR_UNSUPPORTED ? "; its publisher was built with another version of telem_shm.h"
        : why == TELEM_ERR_ARG         ? "; a name is 1 to 64 of A-Z a-z 0-9 _ . -"
                                       : "";
    fprintf(stderr, "shm_reader: %s \"%s\": %s%s\n", doing, name, telem_result_text(why), advice);
    return 1;
}

/* A stream that is not declared, or whose schema is too large for `memory`, has schema NULL. */
static void learn(const telem_shm *shm, uint32_t id, stream *s) {
    static uint64_t buf[1024];
    telem_shm_entry e;
    s->id = id;
    s->schema = NULL;
    if (id == TELEM_SHM_PARTS) snprintf(s->name, sizeof s->name, "(parts)"); /* several streams in one frame */
    else snprintf(s->name, sizeof s->name, "stream %u", (unsigned)id);
    if (telem_shm_stream_find(shm, id, &e, buf, sizeof buf) != TELEM_OK) return;
    snprintf(s->name, sizeof s->name, "%s", e.name);
    if (e.value_bytes == 0) return;
    (void)telem_schema_decode(e.value, e.value_bytes, s->memory, sizeof s->memory, &s->schema, NULL);
}

static stream *stream_of(const telem_shm *shm, uint32_t id) {
    uint32_t i, now = telem_shm_generation(shm);
    for (i = 0; now != generation && i < stream_count; i++) learn(shm, streams[i].id, &streams[i]);
    generation = now;
    for (i = 0; i < stream_count; i++)
        if (streams[i].id == id) return &streams[i];
    if (stream_count == STREAMS) return &streams[0];
    learn(shm, id, &streams[stream_count]);
    return &streams[stream_count++];
}

/* At most 48 bytes (this segment's inline_bytes) arrive copied. A larger payload may be overwritten
   while it is looked at, so it is copied first; telem_shm_pin would hold it in place instead. */
static void show(telem_shm_reader *r, telem_shm_frame *f, unsigned long every) {
    static uint64_t buf[1024];
    char text[512];
    stream *s = stream_of(telem_shm_reader_segment(r), f->stream);
    if (s->frames++ % every != 0) return;
    printf("%10.3f s  %-10s ", (double)f->time * 1e-9, s->name);
    if (s->schema && f->len == telem_schema_row_size(s->schema) &&
        telem_shm_copy(r, f, buf, sizeof buf) == TELEM_OK) {
        telem_row_print_text(s->schema, buf, TELEM_PRINT_UNITS, text, sizeof text);
        printf("%s\n", text);
    } else printf("%lu bytes\n", (unsigned long)f->len);
}

/* Nothing came for a while, or frames come again: why? Each change is told once. */
static void explain(telem_shm_reader *r, const char *name) {
    static uint32_t told = TELEM_SHM_ALIVE;
    static const char *const why[] = {"is back", "is alive but says nothing", "has died; waiting for another",
                                      "has left; waiting for another", "was replaced"};
    uint32_t health = telem_shm_health(r);
    if (health != told && health <= TELEM_SHM_REPLACED)
        fprintf(stderr, "shm_reader: the publisher of \"%s\" %s\n", name, why[health]);
    told = health;
}

static telem_result open_reader(telem_shm_reader *r, const telem_shm_attach_desc *where) {
    telem_shm_reader_desc d = TELEM_ZERO; /* d.reliable = 1 would let the publisher wait for us */
    telem_result e;
    int told = 0;
    d.name = "shm_reader";
    d.start = TELEM_SHM_FRESH;
    for (;;) {
        e = telem_shm_reader_open(r, where, &d);
        if ((e != TELEM_ERR_NOT_FOUND && e != TELEM_AGAIN) || stop) return e;
        if (!told++) fprintf(stderr, "shm_reader: no publisher of \"%s\" yet; waiting\n", where->name);
        sleep_ms(50);
    }
}

static void run(telem_shm_reader *r, const char *name, unsigned long frames, unsigned long every) {
    telem_shm_frame f;
    telem_shm_loss loss;
    int silent = 0;
    while (!stop) {
        telem_result e = telem_shm_wait(r, A_WHILE);
        if (e != TELEM_OK || silent) explain(r, name);
        silent = e != TELEM_OK;
        while (!stop && telem_shm_next(r, &f) == TELEM_OK) {
            if (telem_shm_reader_loss(r, &loss) == TELEM_OK)
                printf("lost %lu frames\n", (unsigned long)loss.count);
            show(r, &f, every);
            if (frames && --frames == 0) return;
        }
        fflush(stdout);
    }
}

int main(int argc, char **argv) {
    static telem_shm_reader r;
    telem_shm_attach_desc where = TELEM_ZERO;
    telem_shm_reader_counts c = TELEM_ZERO;
    unsigned long frames = 0, every = 100;
    telem_result e;
    int i;
    where.name = "pendulum";
    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-n") == 0 && i + 1 < argc) frames = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "-e") == 0 && i + 1 < argc) every = strtoul(argv[++i], NULL, 10);
        else if (argv[i][0] != '-') where.name = argv[i];
        else every = 0;
    }
    if (every == 0) return fprintf(stderr, "usage: shm_reader [-n FRAMES] [-e EVERY] [NAME]\n"), 2;
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);

    e = open_reader(&r, &where);
    if (e != TELEM_OK) return stop ? 0 : fail("open", where.name, e);
    run(&r, where.name, frames, every);
    (void)telem_shm_reader_stats(&r, &c);
    printf("%lu frames read, %lu lost\n", (unsigned long)c.delivered, (unsigned long)c.lost);
    telem_shm_reader_close(&r);
    return c.lost ? 3 : 0; /* 3: done, but frames were lost */
}

/* Output (times and values differ):
    12345.678 s  pendulum   angle=0.09deg rate=89.99823deg/s swings=0 state=SWINGING
    12345.778 s  battery    voltage=16.799V temperature=25.01degC
   ... */
