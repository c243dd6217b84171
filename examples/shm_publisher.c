/* cc -O2 -I. examples/shm_publisher.c -o shm_publisher */
/* Publishes a pendulum a thousand times a second and its battery ten times a second, for any number
   of other programs: run it, and in other terminals shm_reader or shm_top.

       shm_publisher [-n FRAMES] [NAME]        without -n until Ctrl-C; NAME is "pendulum"

   A reader needs no header of ours: the names, units and types lie in the segment. Kill the publisher
   with kill -9 and start it again: it takes the segment over and the readers go on. */
#define _POSIX_C_SOURCE 200809L /* only for a strict -std=c99 */
#define TELEM_IMPLEMENTATION
#include "telem_shm.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { PENDULUM = 1, BATTERY = 2 };

TELEM_LABELS(states, {0, "SWINGING"}, {1, "PUSHED"});
#define PENDULUM_TABLE(F) \
    F(FIELD, f32, angle, "deg", "from hanging down") \
    F(FIELD, f32, rate, "deg/s", "of turning") \
    F(COUNT, u32, swings, "through the lowest point") \
    F(ENUM, u8, state, states, "pushed when it has lost its swing")
TELEM_DEFINE(Pendulum, PENDULUM_TABLE, "a pendulum of one metre, 1 kHz");

#define BATTERY_TABLE(F) \
    F(SCALED, u16, voltage, "V", 0.001, 0.0, "at the terminals") \
    F(FIELD, f32, temperature, "degC", "of the cells")
TELEM_DEFINE(Battery, BATTERY_TABLE, "of the sensor, 10 Hz");

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
    const char *advice = why == TELEM_ERR_EXISTS
                             ? "; one is running under this name: stop it, or give another name"
                         : why == TELEM_ERR_ACCESS ? "; the name belongs to another user: give another"
                         : why == TELEM_ERR_SPACE  ? "; the memory is used up: look at df -h /dev/shm"
                                                   : "";
    fprintf(stderr, "shm_publisher: %s \"%s\": %s%s\n", doing, name, telem_result_text(why), advice);
    return 1;
}

/* A millisecond of the pendulum's life (semi-implicit Euler, small angles). */
static void swing(Pendulum *p) {
    float before = p->angle;
    p->rate -= (9.81f * p->angle + 0.2f * p->rate) * 0.001f;
    p->angle += p->rate * 0.001f;
    if ((before < 0.0f) == (p->angle < 0.0f)) return;
    p->swings++;
    p->state = p->rate < 40.0f && p->rate > -40.0f;
    if (p->state) p->rate = p->rate < 0.0f ? -90.0f : 90.0f;
}

/* The struct as a row: no padding, the same bytes on every machine. A row of at most 48 bytes lies
   in one cache line with its number, and that line is all that moves to the reader. */
static telem_result publish(telem_shm_writer *w, uint32_t stream, const telem_schema *schema,
                            const void *record) {
    uint8_t row[64];
    telem_result r = telem_schema_pack(schema, record, row);
    if (r != TELEM_OK) return r;
    return telem_shm_publish(w, stream, TELEM_SHM_NOW, row, telem_schema_row_size(schema));
}

static telem_result declare(telem_shm_writer *w, uint32_t id, const char *name, const telem_schema *schema) {
    telem_shm_stream_desc d = TELEM_ZERO;
    d.id = id;
    d.name = name;
    d.schema = schema;
    return telem_shm_stream_add(w, &d);
}

static telem_result run(telem_shm_writer *w, unsigned long frames) {
    Pendulum p = TELEM_ZERO;
    Battery b = {16800, 25.0f};
    unsigned long n;
    telem_result r = declare(w, PENDULUM, "pendulum", &Pendulum_schema);
    if (r == TELEM_OK) r = declare(w, BATTERY, "battery", &Battery_schema);
    p.rate = 90.0f;
    for (n = 1; r == TELEM_OK && !stop && (frames == 0 || n <= frames); n++) {
        swing(&p);
        r = publish(w, PENDULUM, &Pendulum_schema, &p);
        if (r == TELEM_OK && n % 100 == 0) {
            b.voltage = (uint16_t)(b.voltage > 13200 ? b.voltage - 1 : 16800);
            b.temperature = 25.0f + (float)(16800 - b.voltage) * 0.01f;
            r = publish(w, BATTERY, &Battery_schema, &b);
            if (r == TELEM_OK) r = telem_shm_beat(w); /* "I am alive"; tidies up after dead readers */
        }
        sleep_ms(1);
    }
    return r;
}

int main(int argc, char **argv) {
    static telem_shm shm;
    static telem_shm_writer w;
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_writer_desc wd = TELEM_ZERO;
    unsigned long frames = 0;
    telem_result r;
    int i;
    d.name = "pendulum";
    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-n") == 0 && i + 1 < argc) frames = strtoul(argv[++i], NULL, 10);
        else if (argv[i][0] != '-') d.name = argv[i];
        else return fprintf(stderr, "usage: shm_publisher [-n FRAMES] [NAME]\n"), 2;
    }
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);

    d.frames = 1024; /* a second can be read back; everything else as it comes */
    if (telem_shm_desc_fault(&d)) return fprintf(stderr, "shm_publisher: %s\n", telem_shm_desc_fault(&d)), 2;
    r = telem_shm_create(&shm, &d);
    if (r != TELEM_OK) return fail("create", d.name, r);
    wd.name = "shm_publisher";
    r = telem_shm_writer_init(&w, &shm, &wd);
    if (r != TELEM_OK) return fail("write to", d.name, r);
    printf("publishing \"%s\", look at it with: shm_reader %s\n", d.name, d.name);
    fflush(stdout);
    r = run(&w, frames);
    (void)telem_shm_writer_deinit(&w);
    telem_shm_detach(&shm); /* readers are told that it is closed */
    return r == TELEM_OK ? 0 : fail("publish", d.name, r);
}

/* Output:
   publishing "pendulum", look at it with: shm_reader pendulum */
