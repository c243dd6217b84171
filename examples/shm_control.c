/* cc -O2 -I. examples/shm_control.c -o shm_control */
/* A control loop that publishes what it does two hundred times a second and takes commands back, each
   reader through a ring of its own: an oven that shall reach a temperature.

       shm_control             runs the oven, until Ctrl-C or `stop`
       shm_control set 180     in another terminal: the temperature it shall reach, degC
       shm_control gain 0.5    of its controller
       shm_control stop

   A command is answered by what the loop publishes: the time stamp of the last command, and whether it
   was carried out. The loop never waits: it looks into the rings once a step, and a full ring is told to who
   writes into it. */
#define _POSIX_C_SOURCE 200809L /* only for a strict -std=c99 */
#define TELEM_IMPLEMENTATION
#include "telem_shm.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char *name = "oven"; /* -s gives another */
enum { STATE = 1 };                              /* stream */
enum { COMMAND_SET = 1, COMMAND_GAIN, COMMAND_STOP }; /* message types */

TELEM_LABELS(answers, {0, "DONE"}, {1, "REFUSED"});
#define STATE_TABLE(F) \
    F(FIELD, f32, target, "degC", "as commanded") \
    F(FIELD, f32, temperature, "degC", "inside") \
    F(FIELD, f32, heater, "W", "0 to 2000") \
    F(FIELD, f32, gain, "", "of the controller") \
    F(COUNT, u32, commands, "so far") \
    F(FIELD, i64, command, "ns", "time stamp of the last command") \
    F(ENUM, u8, answer, answers, "to the last command")
TELEM_DEFINE(State, STATE_TABLE, "an oven and its controller, 200 Hz");

static volatile sig_atomic_t stop;
static void on_signal(int number) {
    (void)number;
    stop = 1;
}

static int fail(const char *doing, telem_result why) {
    const char *advice = why == TELEM_ERR_NOT_FOUND ? "; start it first: shm_control"
                         : why == TELEM_ERR_EXISTS  ? "; it runs already: shm_control stop ends it"
                         : why == TELEM_ERR_ACCESS  ? "; it is another user's"
                                                    : "";
    fprintf(stderr, "shm_control: %s \"%s\": %s%s\n", doing, name, telem_result_text(why), advice);
    return 1;
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

/* ------------------------------------------------------------------------------- the oven ---- */

static void heat(State *s) {
    float missing = s->target - s->temperature;
    s->heater = s->gain * 400.0f * missing;
    s->heater = s->heater < 0.0f ? 0.0f : s->heater > 2000.0f ? 2000.0f : s->heater;
    s->temperature += (s->heater - 6.0f * (s->temperature - 20.0f)) * (0.005f / 50.0f); /* 50 J/K, 6 W/K */
}

/* What a reader sends is hostile until looked at: its type, its length, the number itself. */
static int obey(State *s, const telem_shm_message *m, const void *data) {
    float v = 0;
    if (m->type == COMMAND_STOP) return stop = 1;
    if (m->len != sizeof v) return 0;
    memcpy(&v, data, sizeof v);
    if (m->type == COMMAND_SET && v >= 0.0f && v <= 300.0f) return s->target = v, 1;
    if (m->type == COMMAND_GAIN && v >= 0.0f && v <= 10.0f) return s->gain = v, 1;
    return 0;
}

static telem_result step(telem_shm_writer *w, State *s) {
    uint64_t buf[8];
    uint8_t row[64];
    telem_shm_message m;
    telem_result r;
    while ((r = telem_shm_control_read(w, &m, buf, sizeof buf)) == TELEM_OK) {
        s->answer = !obey(s, &m, buf);
        s->command = m.time;
        s->commands++;
    }
    if (r == TELEM_ERR_CORRUPT)
        fprintf(stderr, "shm_control: a reader wrote nonsense into its ring\n"); /* it is empty now */
    heat(s);
    r = telem_schema_pack(&State_schema, s, row);
    if (r == TELEM_OK)
        r = telem_shm_publish(w, STATE, TELEM_SHM_NOW, row, telem_schema_row_size(&State_schema));
    return r;
}

static int serve(void) {
    static telem_shm shm;
    static telem_shm_writer w;
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_writer_desc wd = TELEM_ZERO;
    telem_shm_stream_desc stream = TELEM_ZERO;
    State s = TELEM_ZERO;
    unsigned n;
    telem_result r;
    d.name = name;
    d.control_ring = 1024; /* for each reader; without it telem_shm_control_write answers ERR_STATE */
    r = telem_shm_create(&shm, &d);
    if (r != TELEM_OK) return fail("create", r);
    wd.name = "oven";
    stream.id = STATE;
    stream.name = "state";
    stream.schema = &State_schema;
    r = telem_shm_writer_init(&w, &shm, &wd);
    if (r == TELEM_OK) r = telem_shm_stream_add(&w, &stream);
    s.target = s.temperature = 20.0f;
    s.gain = 0.1f;
    printf("the oven is on: shm_control set 180\n");
    fflush(stdout);
    for (n = 0; r == TELEM_OK && !stop; n++) {
        r = step(&w, &s);
        if (r == TELEM_OK && n % 20 == 0) r = telem_shm_beat(&w);
        sleep_ms(5);
    }
    (void)telem_shm_writer_deinit(&w);
    telem_shm_detach(&shm);
    if (r != TELEM_OK) return fail("publish", r);
    printf("the oven is off after %u commands\n", (unsigned)s.commands);
    return 0;
}

/* ---------------------------------------------------------------------------- the operator ---- */

/* The first state behind the command of that time stamp. */
static telem_result answer(telem_shm_reader *r, int64_t sent, State *s) {
    telem_clock clock = telem_clock_monotonic();
    telem_shm_frame f;
    telem_result e = TELEM_OK;
    while (e == TELEM_OK && (int64_t)clock.read(clock.user) - sent < 2000000000) {
        e = telem_shm_wait(r, 1000000000);
        if (e == TELEM_OK) e = telem_shm_next(r, &f);
        if (e != TELEM_OK || f.stream != STATE || f.len != telem_schema_row_size(&State_schema)) continue;
        e = telem_schema_unpack(&State_schema, f.data, s); /* inline: f.data is our copy */
        if (e != TELEM_OK || s->command == sent) return e;
    }
    return e == TELEM_OK ? TELEM_EMPTY : e;
}

static int command(uint32_t type, float value) {
    static telem_shm_reader r;
    telem_shm_attach_desc where = TELEM_ZERO;
    telem_shm_reader_desc d = TELEM_ZERO;
    telem_clock clock = telem_clock_monotonic();
    int64_t sent = (int64_t)clock.read(clock.user);
    int tries = 100;
    State s;
    telem_result e;
    where.name = name;
    d.name = "operator";
    d.start = TELEM_SHM_FRESH;
    e = telem_shm_reader_open(&r, &where, &d);
    if (e != TELEM_OK) return fail("open", e);
    while ((e = telem_shm_control_write(&r, type, sent, &value, type == COMMAND_STOP ? 0 : sizeof value)) ==
               TELEM_FULL &&
           tries--)
        sleep_ms(10); /* it has much to do; nothing is lost */
    if (e == TELEM_OK) e = answer(&r, sent, &s);
    telem_shm_reader_close(&r);
    if ((e == TELEM_OK || e == TELEM_END) && type == COMMAND_STOP) return printf("off\n"), 0;
    if (e == TELEM_EMPTY)
        return fprintf(stderr, "shm_control: the oven does not answer; is it stopped? (shm_top %s)\n", name),
               1;
    if (e != TELEM_OK) return fail("command", e);
    if (s.answer)
        return fprintf(stderr, "shm_control: the oven refuses; it takes 0 to 300 degC, a gain of 0 to 10\n"),
               1;
    printf("done after %.1f ms: target %g degC, gain %g, now at %.1f degC\n",
           (double)((int64_t)clock.read(clock.user) - sent) * 1e-6, (double)s.target, (double)s.gain,
           (double)s.temperature);
    return 0;
}

int main(int argc, char **argv) {
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    if (argc > 2 && strcmp(argv[1], "-s") == 0) name = argv[2], argc -= 2, argv += 2;
    if (argc == 1) return serve();
    if (argc == 3 && strcmp(argv[1], "set") == 0) return command(COMMAND_SET, (float)strtod(argv[2], NULL));
    if (argc == 3 && strcmp(argv[1], "gain") == 0) return command(COMMAND_GAIN, (float)strtod(argv[2], NULL));
    if (argc == 2 && strcmp(argv[1], "stop") == 0) return command(COMMAND_STOP, 0);
    fprintf(stderr, "usage: shm_control [-s SEGMENT] [set DEGC | gain GAIN | stop]\n");
    return 2;
}

/* Output (of set 180; the time is that of the loop's step):
   done after 2.6 ms: target 180 degC, gain 0.1, now at 20.0 degC */
