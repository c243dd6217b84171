/* cc -O2 -I. examples/vehicle.c -o vehicle -llz4 */
/* Records the flight of a simulated quadrotor (quad.h): sensors, motors, battery, autopilot, and
   what happens in words. Written the way a small machine would do it: one loop with one step per
   millisecond, each record logged when its time has come, the ring emptied now and then. The same
   seed gives the same flight.

       stream          every    lane
       imu             1 ms     0
       motors          4 ms     1
       baro, pose      20 ms    1
       gps, battery,
       flight          100 ms   1
       event           when something happens, the shared lane

   Time is the simulation's own: microseconds since its start, mapped to UTC in the file. */
#define _POSIX_C_SOURCE 200809L
#include "record.h"
#include "quad.h"

enum { IMU, MOTORS, BARO, POSE, GPS, BATTERY, FLIGHT, EVENT, STREAMS };
enum { LANE_IMU, LANE_REST, LANES };

static record_stream streams[STREAMS]; /* filled in by main */

typedef struct vehicle {
    quad q;
    recorder rec;
    telem_ring_writer imu, rest, shared;
    int real_time;
} vehicle;

/* The clock of the records: the simulation's own time in microseconds. */
static uint64_t sim_time(void *user) {
    const quad *q = (const quad *)user;
    return (uint64_t)q->ms * 1000;
}

static void put(vehicle *v, telem_ring_writer *w, uint32_t stream, const void *rec) {
    record_log(&v->rec, w, stream, (int64_t)sim_time(&v->q), rec);
}

static void log_event(vehicle *v) {
    Event e = TELEM_ZERO;
    size_t n = strlen(v->q.event);
    e.text.len = (uint32_t)(n < sizeof e.text.data ? n : sizeof e.text.data);
    memcpy(e.text.data, v->q.event, e.text.len);
    put(v, &v->shared, EVENT, &e);
}

static void log_fast(vehicle *v) {
    if (v->q.ms % 4 == 0) {
        Motors motors;
        quad_read_motors(&v->q, &motors);
        put(v, &v->rest, MOTORS, &motors);
    }
    if (v->q.ms % 20 == 0) {
        Baro baro;
        Pose pose;
        quad_read_baro(&v->q, &baro);
        quad_read_pose(&v->q, &pose);
        put(v, &v->rest, BARO, &baro);
        put(v, &v->rest, POSE, &pose);
    }
}

static void log_slow(vehicle *v) {
    Gps gps;
    Battery battery;
    Flight flight;
    quad_read_gps(&v->q, &gps);
    quad_read_battery(&v->q, &battery);
    quad_read_flight(&v->q, &flight);
    put(v, &v->rest, GPS, &gps);
    put(v, &v->rest, BATTERY, &battery);
    put(v, &v->rest, FLIGHT, &flight);
}

static void step(vehicle *v) {
    Imu imu;
    quad_step(&v->q);
    quad_read_imu(&v->q, &imu);
    put(v, &v->imu, IMU, &imu);
    log_fast(v);
    if (v->q.ms % 100 == 0) log_slow(v);
    if (v->q.event != NULL) log_event(v);
}

/* ------------------------------------------------------------------------------ recording ---- */

/* Sleeps until the wall clock has come as far as the simulation. */
static void keep_pace(const struct timespec *start, uint32_t ms) {
    struct timespec t = *start;
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {}
}

static telem_result housekeeping(vehicle *v, const struct timespec *start) {
    telem_result r = record_drain(&v->rec);
    if (r == TELEM_OK) r = telem_file_writer_poll(&v->rec.writer, 0, (int64_t)sim_time(&v->q));
    if (v->real_time) {
        keep_pace(start, v->q.ms);
        record_progress(&v->rec, (double)v->q.ms * 1e-3, 0);
    }
    return r;
}

static telem_result fly(vehicle *v) {
    struct timespec start;
    telem_result r = TELEM_OK;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (r == TELEM_OK && !record_over(&v->rec, (double)v->q.ms * 1e-3)) {
        step(v);
        if (v->q.ms % 50 == 0) r = housekeeping(v, &start);
    }
    record_progress(&v->rec, (double)v->q.ms * 1e-3, 1);
    return r;
}

static int record_flight(vehicle *v) {
    telem_result r = telem_ring_writer_init(&v->imu, v->rec.ring, LANE_IMU);
    if (r == TELEM_OK) r = telem_ring_writer_init(&v->rest, v->rec.ring, LANE_REST);
    if (r == TELEM_OK) r = telem_ring_writer_init(&v->shared, v->rec.ring, TELEM_RING_SHARED);
    record_text(&v->rec, TELEM_ALL_STREAMS, "program", "vehicle");
    record_text(&v->rec, TELEM_ALL_STREAMS, "vehicle", "simulated quadrotor, 1.2 kg, 4S");
    record_sync(&v->rec);
    record_note(&v->rec, "start");
    if (r == TELEM_OK) r = fly(v);
    record_note(&v->rec, "stop");
    if (v->real_time) record_sync(&v->rec); /* else the simulation ran ahead of UTC */
    return record_close(&v->rec, r);
}

static void describe(record_stream *s) {
    s[IMU].name = "imu", s[IMU].schema = &Imu_schema;
    s[MOTORS].name = "motors", s[MOTORS].schema = &Motors_schema;
    s[BARO].name = "baro", s[BARO].schema = &Baro_schema;
    s[POSE].name = "pose", s[POSE].schema = &Pose_schema;
    s[GPS].name = "gps", s[GPS].schema = &Gps_schema;
    s[BATTERY].name = "battery", s[BATTERY].schema = &Battery_schema;
    s[FLIGHT].name = "flight", s[FLIGHT].schema = &Flight_schema;
    s[EVENT].name = "event", s[EVENT].schema = &Event_schema;
}

static int help(void) {
    fputs("vehicle - records the flight of a simulated quadrotor\n"
          "usage: vehicle [options]\n"
          "  -r           in real time (else as fast as it goes)\n"
          "  -s SEED      of the noise and the wind (7)\n" RECORD_OPTIONS_HELP
          "exit code: 0 ok, 1 failure, 2 usage, 3 recorded, but the ring lost records\n"
          "examples:\n"
          "  vehicle -t 60 -o flight.tlm && telem plot flight.tlm -o flight.svg\n"
          "  vehicle -r -b 1024 -o lossy.tlm      a ring that is too small: look at the losses\n",
          stdout);
    return RECORD_OK;
}

static int vehicle_option(vehicle *v, double *seed, int argc, char **argv) {
    if (strcmp(argv[0], "-r") == 0) return v->real_time = 1;
    if (strcmp(argv[0], "-s") == 0) return record_number(argc, argv, 1, 4294967295.0, seed);
    return record_option(&v->rec.o, argc, argv);
}

int main(int argc, char **argv) {
    static vehicle v;
    record_options o = {"vehicle", "vehicle.tlm", 10.0, 262144, 0, 1};
    double seed = 7; /* gusts and a GPS outage within ten seconds */
    int i, used;
    v.rec.o = o;
    for (i = 1; i < argc; i += used) {
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) return help();
        used = vehicle_option(&v, &seed, argc - i, argv + i);
        if (used <= 0) return record_usage(&o, argv[i]);
    }
    quad_init(&v.q, (uint32_t)seed);
    describe(streams);
    v.rec.clock.read = sim_time;
    v.rec.clock.user = &v.q;
    v.rec.clock.hz_num = 1000000;
    v.rec.clock.domain = TELEM_DOMAIN_USER;
    v.rec.clock_name = "simulation";
    v.rec.streams = streams;
    v.rec.count = STREAMS;
    v.rec.lanes = LANES;
    if (record_open(&v.rec) != RECORD_OK || record_flight(&v) != RECORD_OK) return RECORD_FAILED;
    return record_verify(&v.rec);
}
