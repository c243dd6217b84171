/* cc -I. examples/file_hello.c -o file_hello -llz4 */
/* Writes a small file of typed records and reads it back. */
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem_file.h"
#include <stdio.h>
#include <stdlib.h>

TELEM_LABELS(modes, {0, "DISARMED"}, {1, "ARMED"});
#define IMU_TABLE(F) \
    F(FIELD, f32, ax, "m/s^2", "acceleration forward") \
    F(SCALED, i16, gx, "deg/s", 0.061, 0.0, "gyro, raw counts") \
    F(ENUM, u8, mode, modes, "flight mode")
TELEM_DEFINE(Imu, IMU_TABLE, "inertial unit"); /* struct Imu and Imu_schema */

static int failed(const char *doing, telem_result why) {
    fprintf(stderr, "%s: %s\n", doing, telem_result_text(why));
    return 1;
}

/* A thousand rows, one each millisecond. The writer keeps the io's first error and close tells it; a row that is
   refused (an unknown stream, a text longer than its field) is told by its own call alone. */
static int write_file(FILE *file) {
    telem_io io = telem_io_stdio(file);
    telem_file_writer w;
    telem_file_writer_desc wd = TELEM_ZERO;
    telem_file_stream_desc sd = TELEM_ZERO;
    telem_result r;
    int i;
    sd.id = 1;
    sd.schema = &Imu_schema;
    wd.io = &io;
    wd.memory_size = telem_file_writer_bytes(&wd) + telem_file_stream_bytes(&wd, &sd);
    wd.memory = malloc(wd.memory_size);
    if (wd.memory == NULL) return failed("memory", TELEM_ERR_MEMORY);
    r = telem_file_writer_open(&w, &wd);
    if (r == TELEM_OK) r = telem_file_add_stream(&w, &sd);
    for (i = 0; i < 1000 && r == TELEM_OK; i++) {
        Imu imu = TELEM_ZERO;
        imu.ax = 0.25f * (float)(i / 100);
        imu.gx = (int16_t)(i % 100);
        imu.mode = i >= 500;
        r = telem_file_write(&w, 1, (int64_t)i * 1000000, &imu); /* time in nanoseconds */
    }
    if (r == TELEM_OK) r = telem_file_writer_close(&w);
    free(wd.memory);
    return r == TELEM_OK ? 0 : failed("writing", r);
}

static void print_row(const telem_file_item *item) {
    char line[200];
    if (item->row % 333 != 0) return;
    telem_row_print_text(item->stream->schema, item->data, TELEM_PRINT_UNITS, line, sizeof line);
    printf("%s row %u at %u ms: %s\n", item->stream->name, (unsigned)item->row,
           (unsigned)(item->time / 1000000), line);
}

static int read_file(FILE *file) {
    telem_io io = telem_io_stdio(file);
    telem_file_reader r;
    telem_file_reader_desc rd = TELEM_ZERO;
    telem_file_item item;
    telem_result result;
    unsigned rows = 0, armed = 0;
    Imu imu;
    rd.io = &io;
    rd.memory_size = 16u << 20;
    rd.memory = malloc(rd.memory_size);
    if (rd.memory == NULL) return failed("memory", TELEM_ERR_MEMORY);
    result = telem_file_reader_open(&r, &rd);
    while (result == TELEM_OK && (result = telem_file_next(&r, &item)) == TELEM_OK) {
        if (item.kind != TELEM_ITEM_ROW) continue;
        if ((result = telem_file_get(&item, &Imu_schema, &imu)) != TELEM_OK) break;
        rows++;
        armed += imu.mode;
        print_row(&item); /* needs no struct: the file brings its schema along */
    }
    free(rd.memory);
    if (result != TELEM_END) return failed("reading", result);
    printf("%u rows, %u of them armed\n", rows, armed);
    return 0;
}

int main(void) {
    FILE *file = fopen("hello.tlm", "w+b");
    int bad;
    if (file == NULL) return failed("hello.tlm", TELEM_ERR_ACCESS);
    bad = write_file(file);
    rewind(file);
    if (!bad) bad = read_file(file);
    return fclose(file) != 0 || bad;
}

/* Output:
   Imu row 0 at 0 ms: ax=0m/s^2 gx=0deg/s mode=DISARMED
   Imu row 333 at 333 ms: ax=0.75m/s^2 gx=2.013deg/s mode=DISARMED
   Imu row 666 at 666 ms: ax=1.5m/s^2 gx=4.026deg/s mode=ARMED
   Imu row 999 at 999 ms: ax=2.25m/s^2 gx=6.039deg/s mode=ARMED
   1000 rows, 500 of them armed */
