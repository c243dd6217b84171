// cc -O2 -I. examples/schema_hello.c -o schema_hello && ./schema_hello
//
// One table yields the C struct and its description; a record is printed, packed into the bytes that
// files hold, and read back by a program that knows the description only.
#define _POSIX_C_SOURCE 200809L // only for a strict -std=c99
#define TELEM_IMPLEMENTATION
#include "telem_schema.h"
#include <stdio.h>

TELEM_LABELS(mode_labels, {0, "DISARMED"}, {1, "ARMED"});
TELEM_LABELS(fault_bits, {0, "gps"}, {1, "battery"});

#define IMU_TABLE(F) \
    F(COUNT, u32, n, "sequence number") \
    F(FIELD, f32, ax, "m/s^2", "acceleration forward") \
    F(SCALED, i16, gx, "deg/s", 0.061, 0.0, "gyro, raw counts") \
    F(OPT, f32, temp, "degC", "not measured in every record") \
    F(ENUM, u8, mode, mode_labels, "flight mode") \
    F(BITS, u16, faults, fault_bits, "what is broken")
TELEM_DEFINE(Imu, IMU_TABLE, "inertial unit");

static uint64_t memory[200]; // the decoded schema lives here

static int fail(const char *what, telem_result r) {
    printf("%s: %s\n", what, telem_result_text(r));
    return 1;
}

int main(void) {
    Imu imu = TELEM_ZERO;
    uint8_t row[64], bytes[512];
    char text[1024];
    const telem_schema *s = NULL;
    telem_error err = TELEM_ZERO;
    telem_column gx;
    double value = 0;
    int64_t n;
    telem_result r;

    imu.n = 1;
    imu.ax = 1.5f;
    imu.gx = 100;
    imu.mode = 1;
    imu.faults = 3;
    if (telem_schema_row_size(&Imu_schema) > sizeof row) return 1;
    r = telem_schema_pack(&Imu_schema, &imu, row);
    if (r != TELEM_OK) return fail("pack", r);

    telem_row_print_text(&Imu_schema, row, TELEM_PRINT_UNITS, text, sizeof text);
    printf("%s\n", text);

    // The description as bytes: what a file or a link carries ahead of the rows.
    n = telem_schema_encode(&Imu_schema, 0, bytes, sizeof bytes);
    if (n < 0) return fail("encode", (telem_result)n);
    r = telem_schema_decode(bytes, (size_t)n, memory, sizeof memory, &s, &err);
    if (r != TELEM_OK) return fail(err.what, r);
    printf("%d bytes describe %u columns in rows of %u bytes\n", (int)n, (unsigned)telem_schema_columns(s), (unsigned)telem_schema_row_size(s));

    // A reader without the struct.
    telem_row_print_json(s, row, 0, text, sizeof text);
    printf("%s\n", text);
    r = telem_schema_find_column(s, "gx", &gx, NULL);
    if (r != TELEM_OK) return fail("gx", r);
    if (telem_cell_number(&gx, 0, row, &value)) printf("gx is %.1f %s\n", value, gx.field->unit);
    telem_schema_print(s, text, sizeof text);
    printf("%s", text);
    return 0;
}
/* Output:
n=1 ax=1.5m/s^2 gx=6.1deg/s mode=ARMED faults=gps|battery
255 bytes describe 7 columns in rows of 18 bytes
{"n":1,"ax":1.5,"gx":6.1,"temp":null,"mode":"ARMED","faults":"gps|battery"}
gx is 6.1 deg/s
schema Imu 1.0.0 "inertial unit" {
    counter u32 n "sequence number";
    f32 ax unit "m/s^2" "acceleration forward";
    i16 gx unit "deg/s" scale 0.061 "gyro, raw counts";
    optional f32 temp unit degC "not measured in every record";
    enum8 {DISARMED = 0, ARMED = 1} mode "flight mode";
    bits16 {gps = 0, battery = 1} faults "what is broken";
}
*/
