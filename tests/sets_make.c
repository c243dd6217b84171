/* sets_make.c - synthetic telemetry of the usual kinds, in the layout that bench_file.c reads.   make bench-made
   Usage: sets_make FOLDER. What is in the sets is made here and owed to no data set: they tell whether a choice of the
   columns coding holds beyond the sets that it was measured on, and what a mode is worth on the data it was made for. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ROWS 65536u
#define PI   3.14159265358979323846

static char folder[1000]; /* of the stream at hand */
static char schema[8192];
static unsigned columns, rows, timed;
static const char *root;

static uint64_t seed = 1;
static uint64_t next_bits(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545F4914F6CDD1Du;
}
static double uniform(void) { return (double)(next_bits() >> 11) / 9007199254740992.0; } /* 0 .. 1 */
static uint32_t below(uint32_t n) { return (uint32_t)((next_bits() >> 32) * n >> 32); }
static double noise(void) { /* about a normal distribution of width 1 */
    double s = 0;
    int i;
    for (i = 0; i < 12; i++) s += uniform();
    return s - 6;
}

/* ---- a set of one stream ---- */

static void begin(const char *name, unsigned n, int has_time) {
    snprintf(folder, sizeof folder, "%.400s/%.100s", root, name);
    mkdir(folder, 0777);
    snprintf(folder, sizeof folder, "%.400s/%.100s/s", root, name);
    mkdir(folder, 0777);
    columns = 0;
    rows = n;
    timed = has_time != 0;
    schema[0] = 0;
    seed = 0x9E3779B97F4A7C15u;
}

static FILE *open_file(const char *suffix) {
    char path[1100];
    FILE *f;
    snprintf(path, sizeof path, "%s/c%03u.%s", folder, columns, suffix);
    f = fopen(path, "wb");
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

static void name_column(const char *type, const char *name) {
    size_t n = strlen(schema);
    snprintf(schema + n, sizeof schema - n, "%s %s\n", type, name);
    columns++;
}

/* The low `width` bytes of each, little-endian. */
static void put_bits(const char *type, const char *name, unsigned width, const uint64_t *v) {
    FILE *f = open_file("bin");
    unsigned i, k;
    for (i = 0; i < rows; i++)
        for (k = 0; k < width; k++) fputc((int)(v[i] >> 8 * k & 255u), f);
    fclose(f);
    name_column(type, name);
}

static uint64_t word[ROWS];
static double real[ROWS];

static void put_f64(const char *name) { /* what is in real */
    memcpy(word, real, sizeof word);
    put_bits("f64", name, 8, word);
}
static void put_f32(const char *name) {
    unsigned i;
    for (i = 0; i < rows; i++) {
        float f = (float)real[i];
        uint32_t b;
        memcpy(&b, &f, 4);
        word[i] = b;
    }
    put_bits("f32", name, 4, word);
}
static void put_int(const char *type, const char *name, unsigned width) { /* real, rounded */
    unsigned i;
    for (i = 0; i < rows; i++) word[i] = (uint64_t)(int64_t)floor(real[i] + 0.5);
    put_bits(type, name, width, word);
}

static void put_clock(double hz, double jitter_us) { /* time, microseconds */
    unsigned i;
    for (i = 0; i < rows; i++) real[i] = 1.7e15 + floor(i * 1e6 / hz) + floor(fabs(noise()) * jitter_us);
    put_int("i64", "t", 8);
}

static void put_texts(const char *name, char *(*text)(unsigned row)) {
    FILE *f = open_file("bin"), *g = open_file("off");
    uint32_t at = 0;
    unsigned i, k;
    for (i = 0; i <= rows; i++) {
        const char *t = i < rows ? text(i) : "";
        for (k = 0; k < 4; k++) fputc((int)(at >> 8 * k & 255u), g);
        fputs(t, f);
        at += (uint32_t)strlen(t);
    }
    fclose(f);
    fclose(g);
    name_column("str", name);
}

static void end(void) {
    char path[1100];
    FILE *f;
    snprintf(path, sizeof path, "%s/schema.txt", folder);
    f = fopen(path, "w");
    if (!f) exit(1);
    fprintf(f, "%u %u %u\n%s", rows, columns, timed, schema);
    fclose(f);
}

static double walk_at;
static double walk(double from, double step) { /* from: at row 0 */
    return walk_at = from == from ? from : walk_at + noise() * step;
}
static unsigned i; /* the row */
#define FILL(code)                                   \
    do {                                             \
        for (i = 0; i < rows; i++) real[i] = (code); \
    } while (0)
#define WALK(start, step) walk(i ? NAN : (start), step)

/* ---- the sets ---- */

/* Resistance by a 24-bit converter, temperature by Callendar and Van Dusen; and what a logger rounds them to. */
static void pt100(void) {
    unsigned c;
    begin("pt100", 20000, 1);
    put_clock(10, 0);
    for (c = 0; c < 6; c++) {
        char name[16];
        for (i = 0; i < rows; i++) {
            double t = (i ? walk(NAN, 0.003) : walk(20.0 + 30.0 * c, 0)) + noise() * 0.004, r = 100 * (1 + 3.9083e-3 * t - 5.775e-7 * t * t);
            r = floor(r / 400 * 16777216) * 400 / 16777216;
            real[i] = (-3.9083e-3 + sqrt(3.9083e-3 * 3.9083e-3 - 4 * 5.775e-7 * (r / 100 - 1))) / (2 * -5.775e-7);
        }
        snprintf(name, sizeof name, "t%u", c);
        if (c < 2) put_f32(name);
        else if (c < 4) {
            for (i = 0; i < rows; i++) real[i] = floor(real[i] * 1000 + 0.5) / 1000;
            put_f64(name);
        } else {
            for (i = 0; i < rows; i++) real[i] = floor(real[i] * 100 + 0.5) / 100;
            put_f32(name);
        }
    }
    end();
}

static void gps(void) {
    static double lat[ROWS], lon[ROWS];
    double v = 12, course = 0.7, y = 473977420, x = 85455940; /* 1e-7 degrees */
    begin("gps", 40000, 1);
    put_clock(10, 30);
    for (i = 0; i < rows; i++) {
        v = fabs(v + noise() * 0.05);
        course += noise() * 0.01;
        y += v * cos(course) * 0.9 + noise() * 0.4;
        x += v * sin(course) * 1.32 + noise() * 0.4;
        lat[i] = floor(y);
        lon[i] = floor(x);
    }
    memcpy(real, lat, sizeof real);
    put_int("i32", "lat", 4);
    memcpy(real, lon, sizeof real);
    put_int("i32", "lon", 4);
    FILL(lat[i] * 1e-7);
    put_f64("lat_deg");
    FILL(lon[i] / 1e7);
    put_f64("lon_deg");
    FILL(lat[i] * 1e-7 * (PI / 180));
    put_f64("lat_rad");
    FILL(WALK(412000, 40));
    put_int("i32", "height_mm", 4);
    FILL(floor(WALK(412000, 40)) / 1000);
    put_f64("height");
    FILL(fabs(sin(i * 0.001) * 12 + noise() * 0.05));
    put_f32("speed");
    FILL(below(50) ? real[i ? i - 1 : 0] : 6 + below(12));
    put_int("u8", "satellites", 1);
    end();
}

/* Phase currents of a motor: a converter of 12 bits, less its offset, times a calibration. */
static void motor(void) {
    static const double factor[3] = {0.0244140625 * 1.0173, 0.0244140625 * 0.9931, 0.0244140625 * 1.0049};
    unsigned c;
    char name[16];
    begin("motor", ROWS, 1);
    put_clock(10000, 0);
    for (c = 0; c < 3; c++) {
        FILL((floor(600 * sin(i * 0.05 + c * 2 * PI / 3) + noise() * 3) - 3) * factor[c]);
        snprintf(name, sizeof name, "i%u", c);
        put_f32(name);
    }
    FILL((floor(600 * sin(i * 0.05) + noise() * 3) - 3) * factor[1]);
    put_f64("i0_f64");
    FILL(floor(WALK(2900, 0.7)) * 0.01221 + 0.0371); /* a factor and an offset */
    put_f32("bus_voltage");
    FILL(floor(WALK(2900, 0.7)) * 0.01221 + 0.0371);
    put_f64("bus_voltage_f64");
    FILL(floor(WALK(1500, 2)) * 0.35);
    put_f32("speed_rad");
    FILL(floor(WALK(1900, 0.1)));
    put_int("u16", "temperature_raw", 2);
    end();
}

static const uint16_t can_id[12] = {0x0A0, 0x0A5, 0x110, 0x118, 0x1A0, 0x201, 0x204, 0x320, 0x321, 0x3B0, 0x4F0, 0x7DF};
static void can(void) {
    static uint8_t data[ROWS][8];
    static uint16_t id[ROWS];
    unsigned k;
    double signal[12][2];
    uint8_t count[12] = {0};
    memset(signal, 0, sizeof signal);
    begin("can", ROWS, 1);
    put_clock(1500, 80);
    for (i = 0; i < rows; i++) {
        unsigned w = below(3) ? i % 6 : below(12);
        signal[w][0] += noise() * 20;
        signal[w][1] += noise() * 2;
        id[i] = can_id[w];
        data[i][0] = (uint8_t)((int)signal[w][0] >> 8);
        data[i][1] = (uint8_t)(int)signal[w][0];
        data[i][2] = (uint8_t)((int)signal[w][1] >> 8);
        data[i][3] = (uint8_t)(int)signal[w][1];
        data[i][4] = (uint8_t)(w * 16);
        data[i][5] = w & 1 ? 0xFF : 0;
        data[i][6] = (uint8_t)(count[w]++ & 15);
        for (data[i][7] = 0, k = 0; k < 7; k++) data[i][7] = (uint8_t)(data[i][7] + data[i][k]); /* a sum */
    }
    for (i = 0; i < rows; i++) word[i] = id[i];
    put_bits("u16", "id", 2, word);
    for (k = 0; k < 8; k++) {
        char name[16];
        for (i = 0; i < rows; i++) word[i] = data[i][k];
        snprintf(name, sizeof name, "d%u", k);
        put_bits("u8", name, 1, word);
    }
    end();
}

static char line[200];
static char *log_line(unsigned row) {
    static const char *const unit[] = {"motor", "battery", "radio", "nav", "store", "supervisor"};
    switch (below(8)) {
    case 0: snprintf(line, sizeof line, "%s: watchdog fed after %u ms", unit[below(6)], 20 + below(15)); break;
    case 1: snprintf(line, sizeof line, "radio: packet %u lost, rssi -%u dBm", row * 3 + below(3), 60 + below(40)); break;
    case 2: snprintf(line, sizeof line, "battery: cell %u at %u.%03u V", 1 + below(6), 3, 600 + below(500)); break;
    case 3: snprintf(line, sizeof line, "nav: fix lost for %u.%u s, %u satellites", below(30), below(10), below(14)); break;
    case 4: snprintf(line, sizeof line, "store: wrote block %u (%u bytes) to /data/log-%05u.bin", row, 4096 + below(9) * 512, row / 1000); break;
    case 5: snprintf(line, sizeof line, "motor: current limit on axis %u", below(3)); break;
    default: snprintf(line, sizeof line, "supervisor: task %s ok", unit[below(6)]); break;
    }
    return line;
}
static char *log_host(unsigned row) {
    (void)row;
    snprintf(line, sizeof line, "10.0.%u.%u", below(4), 1 + below(40));
    return line;
}
static void log_text(void) {
    begin("log", 20000, 1);
    put_clock(20, 9000);
    FILL(below(20) ? 1 : below(4));
    put_int("u8", "level", 1);
    put_texts("host", log_host);
    put_texts("message", log_line);
    end();
}

static void imu(void) {
    static const char *const names[] = {"qw", "qx", "qy", "qz"};
    static double q[4][ROWS];
    unsigned c;
    begin("imu", 50000, 1);
    put_clock(500, 3);
    for (i = 0; i < rows; i++) {
        double a = i * 0.0003, b = sin(i * 0.002) * 0.3 + noise() * 1e-4, g = cos(i * 0.0013) * 0.2 + noise() * 1e-4;
        q[0][i] = cos(a) * cos(b) * cos(g) + sin(a) * sin(b) * sin(g);
        q[1][i] = sin(a) * cos(b) * cos(g) - cos(a) * sin(b) * sin(g);
        q[2][i] = cos(a) * sin(b) * cos(g) + sin(a) * cos(b) * sin(g);
        q[3][i] = cos(a) * cos(b) * sin(g) - sin(a) * sin(b) * cos(g);
    }
    for (c = 0; c < 4; c++) {
        memcpy(real, q[c], sizeof real);
        put_f32(names[c]);
    }
    FILL(floor(noise() * 40 + 200 * sin(i * 0.01)) * (2000.0 / 32768 * PI / 180)); /* deg/s to rad/s */
    put_f32("gyro");
    FILL(floor(noise() * 30 + 2048) * (9.80665 / 2048));
    put_f32("accel");
    FILL(floor(noise() * 30 + 2048) * (16.0 / 32768) * 9.80665);
    put_f64("accel_f64");
    end();
}

static void counters(void) {
    double x = 0, y = 0;
    begin("counters", 50000, 1);
    put_clock(1, 200);
    for (i = 0; i < rows; i++) real[i] = below(9000) ? x += 3 + below(4) : (x = 0);
    put_int("u32", "packets", 4);
    for (i = 0; i < rows; i++) real[i] = y += below(5) ? 1500.0 * below(40) : 64.0 * below(10);
    put_int("u64", "bytes", 8);
    FILL(i % 256);
    put_int("u8", "sequence", 1);
    FILL(i * 20.0 + (i % 3 ? 0 : 1));
    put_int("u32", "ticks", 4);
    FILL(below(300) ? real[i ? i - 1 : 0] : real[i ? i - 1 : 0] + 1);
    put_int("u32", "errors", 4);
    FILL(1.7e9 + i + floor(noise() * 200) / 1e6); /* seconds, by microseconds */
    put_f64("seconds");
    end();
}

static void flags(void) {
    unsigned c;
    char name[16];
    begin("flags", 60000, 1);
    put_clock(50, 0);
    for (c = 0; c < 16; c++) {
        uint64_t state = 0;
        for (i = 0; i < rows; i++) word[i] = state = below(c < 8 ? 2000 : c < 14 ? 60 : 2) ? state : !state;
        snprintf(name, sizeof name, "b%u", c);
        put_bits("bool", name, 1, word);
    }
    for (c = 0; c < 4; c++) {
        uint64_t state = 0;
        for (i = 0; i < rows; i++) word[i] = state = below(400) ? state : below(7);
        snprintf(name, sizeof name, "mode%u", c);
        put_bits("u8", name, 1, word);
    }
    end();
}

/* Two sensors that take turns; a clock whose ticks come to whole milliseconds. */
static void turns(void) {
    begin("turns", 60000, 1);
    FILL(1.7e12 + floor(i * 1000.0 / 360));
    put_int("i64", "t", 8);
    FILL(i & 1 ? 500 + floor(noise() * 2 + 20 * sin(i * 0.01)) : 31000 + floor(noise() * 2 + 300 * sin(i * 0.02)));
    put_int("i16", "pair", 2);
    FILL(floor(20000 * (i % 4) + noise() * 3 + 900 * sin(i * 0.003)));
    put_int("i32", "of_four", 4);
    FILL((double)(i % 3 == 0 ? floor(1013 + noise()) : i % 3 == 1 ? floor(215 + noise()) : floor(40 + noise())) / 10);
    put_f32("of_three");
    FILL(floor(i * 1000.0 / 360));
    put_int("u32", "ms", 4);
    FILL(floor(8000 * sin(i * 2 * PI / 50) + noise() * 2)); /* mains, at fifty samples a period */
    put_int("i16", "mains", 2);
    end();
}

/* Smooth: finely resolved, much faster than they change. */
static void smooth(void) {
    begin("smooth", 60000, 1);
    put_clock(1000, 0);
    FILL(1e7 * sin(i * 0.002) + 2e6 * sin(i * 0.0113));
    put_int("i32", "encoder", 4);
    FILL(sin(i * 0.002) * 90);
    put_f64("angle");
    FILL(sin(i * 0.002) * 90);
    put_f32("angle_f32");
    FILL(1e9 * sin(i * 0.0005) + 40 * noise());
    put_int("i32", "position", 4);
    FILL(floor((i % 6000 < 3000 ? (i % 6000) * (double)(i % 6000) : 9e6 + 6000.0 * (i % 6000 - 3000)) * 1.7)); /* ramps */
    put_int("i32", "profile", 4);
    FILL(2e9 * sin(i * 0.004));
    put_int("i64", "fine", 8);
    end();
}

/* f32 that software kept as f64; values with rare outliers. */
static void widened(void) {
    begin("widened", 50000, 1);
    put_clock(100, 40);
    FILL((double)(float)(0.02 * noise()));
    put_f64("noise");
    FILL((double)(float)(20 + WALK(0, 0.01)));
    put_f64("slow");
    FILL((double)(float)(floor(WALK(0, 3)) * 0.061));
    put_f64("counts");
    FILL((double)(float)(floor(WALK(2000, 3)) / 10));
    put_f64("tenths");
    end();
}
static void outliers(void) {
    begin("outliers", 60000, 1);
    put_clock(100, 40);
    FILL(below(150) ? floor(noise() * 20) : floor(noise() * 1e6));
    put_int("i32", "i32", 4);
    FILL(below(150) ? floor(noise() * 20) : 32767);
    put_int("i16", "saturates", 2);
    FILL(below(1000) ? floor(noise() * 20) / 100 : 1e9 * uniform());
    put_f64("f64");
    FILL(below(40) ? floor(100 * uniform()) : floor(1e5 * uniform()));
    put_int("u32", "latency_us", 4);
    FILL(below(200) ? floor(noise() * 20) / 8 : -9999.0);
    put_f32("missing");
    end();
}

/* Values times a factor, as who converts units leaves them: of a wide range, of few digits, of many. */
static void units(void) {
    begin("units", 60000, 1);
    put_clock(100, 0);
    FILL(floor(1e5 * exp(3 * noise())) / 100 * (PI / 180));
    put_f64("wide_range");
    FILL(floor(WALK(4.7e8, 300)) / 1e7 * (PI / 180));
    put_f64("radians");
    FILL(floor(1e9 * uniform()) / 1000 * 0.3048);
    put_f64("feet");
    FILL(floor(WALK(1e12, 5e5)) / 1e6 / 3.6);
    put_f64("far");
    FILL(floor(WALK(3e4, 3)) / 100 * 1.609344);
    put_f64("miles");
    for (i = 0; i < rows; i++) real[i] = floor(WALK(1e5, 3)) * 6.89475729e-3;
    put_f32("psi_f32");
    end();
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: sets_make FOLDER\n");
        return 2;
    }
    root = argv[1];
    mkdir(root, 0777);
    pt100();
    gps();
    motor();
    can();
    log_text();
    imu();
    counters();
    flags();
    turns();
    smooth();
    widened();
    outliers();
    units();
    return 0;
}
