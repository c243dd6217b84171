/* cc -O2 -I. examples/attach_hello.c -o examples/attach_hello -llz4

   Rows that refer to an image by its id; the image lies in the same file, in pieces, and comes out again
   byte for byte without either side ever holding all of it. attach_hello shots.tlm keeps the file, so that
   telem extract shots.tlm first.pgm takes the image out. */
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem_file.h"

#include <stdio.h>

#define SHOT_TABLE(F) \
    F(FIELD, f32, exposure, "ms", "") \
    F(FIELD, u64, image, "attachment", "the picture that was taken; 0: none")
TELEM_DEFINE(Shot, SHOT_TABLE, "a camera's log");

#define WIDTH 640u
#define HEIGHT 480u

static uint64_t memory[(8u << 20) / 8];

static void make_line(uint8_t *line, uint32_t y) { /* what a camera would deliver, line by line */
    uint32_t x;
    for (x = 0; x < WIDTH; x++) line[x] = (uint8_t)(x * y >> 4);
}

static int record(FILE *f) {
    telem_io io = telem_io_stdio(f);
    telem_file_writer w;
    telem_file_writer_desc wd = TELEM_ZERO;
    telem_file_stream_desc sd = TELEM_ZERO;
    telem_file_attaching a;
    uint8_t line[WIDTH];
    Shot shot;
    uint32_t y;
    wd.io = &io;
    wd.memory = memory;
    wd.memory_size = sizeof memory;
    sd.id = 1;
    sd.schema = &Shot_schema;
    if (telem_file_writer_open(&w, &wd) != TELEM_OK || telem_file_add_stream(&w, &sd) != TELEM_OK) return 1;
    if (telem_file_attach_begin(&w, &a, 0, "first.pgm", "image/x-portable-graymap", TELEM_FILE_UNKNOWN) != TELEM_OK) return 1;
    shot.exposure = 2.5f;
    shot.image = a.id; /* known before the first byte */
    if (telem_file_write(&w, 1, 1000, &shot) != TELEM_OK) return 1;
    if (telem_file_attach(&w, &a, "P5 640 480 255\n", 15) != TELEM_OK) return 1;
    for (y = 0; y < HEIGHT; y++) {
        make_line(line, y);
        if (telem_file_attach(&w, &a, line, sizeof line) != TELEM_OK) return 1; /* rows could go between */
    }
    if (telem_file_attach_end(&w, &a) != TELEM_OK) return 1;
    return telem_file_writer_close(&w) != TELEM_OK;
}

static int look(FILE *f) {
    telem_io io = telem_io_stdio(f);
    telem_file_reader r;
    telem_file_reader_desc rd = TELEM_ZERO;
    telem_file_item item;
    Shot shot = TELEM_ZERO;
    uint64_t bytes = 0, pieces = 0;
    rd.io = &io;
    rd.memory = memory;
    rd.memory_size = sizeof memory;
    if (telem_file_reader_open(&r, &rd) != TELEM_OK) return 1;
    while (telem_file_next(&r, &item) == TELEM_OK)
        if (item.kind == TELEM_ITEM_ROW && telem_file_get(&item, &Shot_schema, &shot) == TELEM_OK)
            printf("a shot of %.1f ms, its picture is attachment %lu\n", (double)shot.exposure, (unsigned long)shot.image);
    if (telem_file_reader_learn(&r) != TELEM_OK) return 1; /* back to the start */
    while (telem_file_next_attachment(&r, shot.image, &item) == TELEM_OK) {
        bytes += item.attachment->size; /* item.attachment->data would go to a file here */
        pieces++;
        if (!item.attachment->last) continue;
        printf("%.*s: %lu bytes in %lu pieces, %s\n", (int)item.attachment->name_len, item.attachment->name, (unsigned long)bytes,
               (unsigned long)pieces, item.attachment->whole ? "whole" : "damaged");
    }
    return 0;
}

int main(int argc, char **argv) {
    FILE *f = argc > 1 ? fopen(argv[1], "w+b") : tmpfile();
    if (!f || record(f) != 0) return 1;
    rewind(f);
    return look(f);
}
/* expected output:
a shot of 2.5 ms, its picture is attachment 2
first.pgm: 307215 bytes in 483 pieces, whole
*/
