/* cc -I. examples/ring_hello.c -o ring_hello */
/* A ring in static memory: one lane for this thread, one reader; what it shows when it is slow. */
#define _POSIX_C_SOURCE 200809L /* only for a strict -std=c99 */
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include <stdio.h>

enum { STREAM_TEMPERATURE = 1, STREAM_TEXT = 2 };

static uint64_t memory[4096 / 8]; /* the ring lives here; uint64_t for the alignment */
static uint64_t copy[256 / 8];    /* records that must not change while we look at them */

static int fail(const char *what, telem_result r) {
    printf("%s: %s\n", what, telem_result_text(r));
    return 1;
}

static void show(const telem_ring_record *rec) {
    if (rec->stream == STREAM_TEMPERATURE) {
        int32_t milli;
        memcpy(&milli, rec->data, sizeof milli);
        printf("t=%ld temperature %ld.%03ld\n", (long)rec->time, (long)(milli / 1000), (long)(milli % 1000));
    } else {
        printf("t=%ld text \"%.*s\"\n", (long)rec->time, (int)rec->len, (const char *)rec->data);
    }
}

int main(void) {
    telem_ring_desc desc = TELEM_ZERO;
    telem_ring_reader_desc look = TELEM_ZERO;
    telem_ring *ring;
    telem_ring_writer writer;
    telem_ring_reader reader;
    telem_ring_record rec;
    telem_ring_loss loss;
    telem_result r;
    int32_t i;

    desc.memory = memory;
    desc.memory_size = sizeof memory;
    desc.lanes = 1;
    desc.lane_bytes = 512;
    desc.policy = TELEM_RING_OVERWRITE; /* a flight recorder: the newest records win */
    r = telem_ring_init(&ring, &desc);
    if (r != TELEM_OK) return fail("init", r);
    r = telem_ring_writer_init(&writer, ring, TELEM_RING_CLAIM);
    if (r != TELEM_OK) return fail("writer", r);
    look.copy = copy;
    look.copy_size = sizeof copy;
    r = telem_ring_reader_init(&reader, ring, &look);
    if (r != TELEM_OK) return fail("reader", r);

    r = telem_ring_push(&writer, STREAM_TEXT, 100, "hello, ring", 11);
    if (r != TELEM_OK) return fail("push", r);
    i = 21500;
    r = telem_ring_push(&writer, STREAM_TEMPERATURE, 110, &i, sizeof i);
    if (r != TELEM_OK) return fail("push", r);
    while (telem_ring_peek(&reader, &rec) == TELEM_OK) {
        show(&rec);
        telem_ring_release(&reader);
    }

    for (i = 0; i < 1000; i++) { /* far more than 512 bytes hold */
        r = telem_ring_push(&writer, STREAM_TEMPERATURE, 200 + i, &i, sizeof i);
        if (r != TELEM_OK) return fail("push", r);
    }
    r = telem_ring_peek(&reader, &rec);
    if (r != TELEM_OK) return fail("peek", r);
    if (telem_ring_reader_loss(&reader, &loss) == TELEM_OK)
        printf("lost %lu records between t=%ld and t=%ld\n", (unsigned long)loss.count, (long)loss.first, (long)loss.last);
    show(&rec);
    telem_ring_release(&reader);

    telem_ring_reader_deinit(&reader);
    telem_ring_writer_deinit(&writer);
    return 0;
}

/* Output:
   t=100 text "hello, ring"
   t=110 temperature 21.500
   lost 970 records between t=110 and t=1170
   t=1170 temperature 0.970 */
