/* cc -I. examples/feed_hello.c -o feed_hello -llz4 && ./feed_hello */
/* A recording that goes on for ever: a feed of files of 32 KB, of which the last five stay. Read back as one, from a
   row on that is gone in part. To watch one grow: ./feed_hello 100000 1 (rows, ms from one to the next), and in another
   terminal: telem follow feed_hello.dir/drive */
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem_file.h"
#include <stdio.h>
#include <stdlib.h>

#define MOTOR_TABLE(F) \
    F(FIELD, u32, step, "", "counts") \
    F(FIELD, u32, noise, "V", "of a sensor that is not connected")
TELEM_DEFINE(Motor, MOTOR_TABLE, "a motor");

static uint64_t memory[1 << 20], reader_memory[1 << 20]; /* 8 MB each */

static int failed(const char *doing, telem_result why, telem_error error) {
    fprintf(stderr, "%s: %s %s\n", doing, telem_result_text(why), error.what ? error.what : "");
    return 1;
}

static void pause_ms(unsigned ms) {
#if defined(_WIN32)
    Sleep(ms);
#else
    struct timespec t;
    t.tv_sec = (time_t)(ms / 1000);
    t.tv_nsec = (long)(ms % 1000) * 1000000;
    (void)nanosleep(&t, NULL);
#endif
}

static int write_rows(const telem_dir *dir, unsigned rows, unsigned ms) {
    static telem_feed_writer f;
    telem_feed_writer_desc fd = TELEM_ZERO;
    telem_file_stream_desc sd = TELEM_ZERO;
    telem_result r;
    Motor m = TELEM_ZERO;
    sd.id = 1;
    sd.schema = &Motor_schema;
    fd.dir = dir;
    fd.name = "drive";
    fd.streams = &sd;
    fd.stream_count = 1;
    fd.file.memory = memory;
    fd.file.memory_size = sizeof memory;
    fd.file.coding = TELEM_FILE_ROWS;
    fd.file.block_bytes = 4096;
    fd.rotate_bytes = 32 << 10;
    fd.keep_files = 5;
    r = telem_feed_open(&f, &fd); /* made, or gone on with behind the rows that are there */
    if (r != TELEM_OK) return failed("opening", r, telem_feed_writer_error(&f));
    for (; m.step < rows && r == TELEM_OK; m.step++) {
        m.noise = m.noise * 1664525u + 1013904223u;
        r = telem_feed_write(&f, 1, (int64_t)m.step * 1000000, &m); /* rotates and removes by itself */
        if (ms) pause_ms(ms);
    }
    printf("file %u is written to, %u were removed\n", (unsigned)f.number, (unsigned)f.files_removed);
    if (r == TELEM_OK) r = telem_feed_close(&f);
    return r == TELEM_OK ? 0 : failed("writing", r, telem_feed_writer_error(&f));
}

/* With follow = 1 telem_feed_next would answer TELEM_AGAIN at the end, and more when there is more. */
static int read_rows(const telem_dir *dir, uint64_t from) {
    static telem_feed_reader f;
    telem_feed_reader_desc fd = TELEM_ZERO;
    telem_file_item item;
    telem_result r;
    unsigned rows = 0, files = 0;
    fd.dir = dir;
    fd.name = "drive";
    fd.memory = reader_memory;
    fd.memory_size = sizeof reader_memory;
    r = telem_feed_reader_open(&f, &fd);
    if (r == TELEM_OK) r = telem_feed_seek_row(&f, "Motor", from);
    while (r == TELEM_OK && (r = telem_feed_next(&f, &item)) == TELEM_OK) {
        if (item.kind == TELEM_ITEM_SESSION) files++;
        if (item.kind == TELEM_ITEM_MISSING) printf("rows %u to %u are gone\n", (unsigned)item.row, (unsigned)(item.row + item.count - 1));
        if (item.kind == TELEM_ITEM_ROW && rows++ == 0) printf("row %u at %u ms is the first\n", (unsigned)item.row, (unsigned)(item.time / 1000000));
    }
    if (r != TELEM_END) return failed("reading", r, telem_feed_reader_error(&f));
    printf("%u rows in %u files\n", rows, files);
    return telem_feed_reader_close(&f) != TELEM_OK;
}

static int forget(void *arg, const telem_dir_entry *entry) {
    snprintf((char *)arg, 100, "%.99s", entry->name);
    return 1;
}

int main(int argc, char **argv) {
    telem_dir dir = telem_dir_system("feed_hello.dir");
    char old[100] = "";
    while (dir.list(dir.user, forget, old) == TELEM_OK && old[0]) { /* of the last time */
        if (dir.remove(dir.user, old) != TELEM_OK) return 1;
        old[0] = 0;
    }
    return write_rows(&dir, argc > 1 ? (unsigned)atol(argv[1]) : 50000, argc > 2 ? (unsigned)atol(argv[2]) : 0) || read_rows(&dir, 1000);
}

/* Output:
   file 11 is written to, 6 were removed
   rows 1000 to 28081 are gone
   row 28082 at 28082 ms is the first
   21918 rows in 5 files */
