/* quad.h - a quadrotor on the desk: flight dynamics, an autopilot and sensors, in f32 only.

   quad_init(&q, seed), then quad_step(&q) advances one millisecond of flight: arm, take off,
   hover, fly a circle or a square, land, again. The quad_read functions give what the sensors of
   the vehicle would say at that moment, as the records of the tables below.

   No libc, no malloc, no double: it runs on a microcontroller as it is. Frames: world x east,
   y north, z up; body x forward, y left, z up. The model is the usual one (rigid body, four
   thrusts with a lag, linear drag, wind, a springy ground); the numbers are those of a 1.2 kg
   machine with a 4S battery. */
#ifndef QUAD_H
#define QUAD_H
#include "telem_schema.h"

/* ------------------------------------------------------------------------------- records ---- */

enum quad_mode {
    QUAD_DISARMED,
    QUAD_ARMED,
    QUAD_TAKEOFF,
    QUAD_HOVER,
    QUAD_CIRCLE,
    QUAD_SQUARE,
    QUAD_LAND
};
enum quad_fault { QUAD_FAULT_GPS, QUAD_FAULT_BATTERY, QUAD_FAULT_WIND, QUAD_FAULT_MOTOR };

TELEM_LABELS(quad_modes, {QUAD_DISARMED, "DISARMED"}, {QUAD_ARMED, "ARMED"},
             {QUAD_TAKEOFF, "TAKEOFF"}, {QUAD_HOVER, "HOVER"}, {QUAD_CIRCLE, "CIRCLE"},
             {QUAD_SQUARE, "SQUARE"}, {QUAD_LAND, "LAND"});
TELEM_LABELS(quad_faults, {QUAD_FAULT_GPS, "NO_GPS"}, {QUAD_FAULT_BATTERY, "LOW_BATTERY"},
             {QUAD_FAULT_WIND, "GUST"}, {QUAD_FAULT_MOTOR, "MOTOR_LIMIT"});
TELEM_LABELS(quad_fixes, {0, "NONE"}, {2, "FIX_2D"}, {3, "FIX_3D"});

/* What the sensor's data sheet says: +-16 g and +-2000 deg/s in 16 bits. */
#define QUAD_ACCEL_LSB 0.00478840332 /* 9.80665 / 2048 m/s^2 */
#define QUAD_GYRO_LSB 0.06097560976  /* 1 / 16.4 deg/s */

#define IMU_TABLE(F) \
    F(FULL, i16, ax, 0, "m/s^2", QUAD_ACCEL_LSB, 0.0, TELEM_DECIMALS(4), 0, "specific force, forward") \
    F(FULL, i16, ay, 0, "m/s^2", QUAD_ACCEL_LSB, 0.0, TELEM_DECIMALS(4), 0, "specific force, left") \
    F(FULL, i16, az, 0, "m/s^2", QUAD_ACCEL_LSB, 0.0, TELEM_DECIMALS(4), 0, "specific force, up") \
    F(FULL, i16, gx, 0, "deg/s", QUAD_GYRO_LSB, 0.0, TELEM_DECIMALS(3), 0, "roll rate") \
    F(FULL, i16, gy, 0, "deg/s", QUAD_GYRO_LSB, 0.0, TELEM_DECIMALS(3), 0, "pitch rate") \
    F(FULL, i16, gz, 0, "deg/s", QUAD_GYRO_LSB, 0.0, TELEM_DECIMALS(3), 0, "yaw rate")
TELEM_DEFINE(Imu, IMU_TABLE, "inertial sensor, ADC counts, 1 kHz");

#define BARO_TABLE(F) \
    F(SCALED, u32, pressure, "Pa", 0.01, 0.0, "air pressure") \
    F(SCALED, i16, temperature, "degC", 0.01, 0.0, "of the sensor")
TELEM_DEFINE(Baro, BARO_TABLE, "barometer, 50 Hz");

#define VEC3_TABLE(F) \
    F(FIELD, f32, x, "m/s", "east") \
    F(FIELD, f32, y, "m/s", "north") \
    F(FIELD, f32, z, "m/s", "up")
TELEM_DEFINE(Velocity, VEC3_TABLE, "in the world's frame");

#define POSITION_TABLE(F) \
    F(SCALED, i32, lat, "deg", 1e-7, 0.0, "latitude, WGS84") \
    F(SCALED, i32, lon, "deg", 1e-7, 0.0, "longitude, WGS84") \
    F(SCALED, i32, alt, "m", 0.001, 0.0, "above sea level")
TELEM_DEFINE(Position, POSITION_TABLE, "on the earth");

#define GPS_TABLE(F) \
    F(ENUM, u8, fix, quad_fixes, "kind of solution") \
    F(FIELD, u8, satellites, "", "in the solution") \
    F(OPTSTRUCT, Position, pos, "absent without a fix") \
    F(OPTSTRUCT, Velocity, vel, "by Doppler; absent without a fix") \
    F(OPT, f32, course, "deg", "over ground from north; absent when it hardly moves, too")
TELEM_DEFINE(Gps, GPS_TABLE, "satellite receiver, 10 Hz");

#define BATTERY_TABLE(F) \
    F(SCALED, u16, voltage, "V", 0.001, 0.0, "at the terminals") \
    F(SCALED, i16, current, "A", 0.01, 0.0, "drawn") \
    F(FIELD, f32, used, "mAh", "charge since the battery was put in")
TELEM_DEFINE(Battery, BATTERY_TABLE, "4S lithium battery, 10 Hz");

#define MOTORS_TABLE(F) \
    F(ARRAY, u16, pulse, 4, "us", "servo pulse of each motor, 1000 stop, 2000 full")
TELEM_DEFINE(Motors, MOTORS_TABLE, "motor outputs, 250 Hz");

#define FLIGHT_TABLE(F) \
    F(ENUM, u8, mode, quad_modes, "what the autopilot does") \
    F(BITS, u16, faults, quad_faults, "what is wrong")
TELEM_DEFINE(Flight, FLIGHT_TABLE, "autopilot, 10 Hz");

#define POSE_TABLE(F) \
    F(FIELD, f32, x, "m", "east of the start") \
    F(FIELD, f32, y, "m", "north of the start") \
    F(FIELD, f32, z, "m", "above the start") \
    F(FIELD, f32, roll, "deg", "right side down") \
    F(FIELD, f32, pitch, "deg", "nose down") \
    F(FIELD, f32, yaw, "deg", "nose from east to north")
TELEM_DEFINE(Pose, POSE_TABLE, "where it really is, 50 Hz");

#define EVENT_TABLE(F) \
    F(STRING, text, 48, "what happened")
TELEM_DEFINE(Event, EVENT_TABLE, "for people, now and then");

/* ------------------------------------------------------------------------------- vehicle ---- */

typedef struct quad {
    uint32_t ms;             /* time since quad_init */
    float p[3], v[3];        /* position m, velocity m/s; world */
    float q[4];              /* attitude, body to world: w x y z */
    float w[3];              /* rates rad/s; body */
    float a[3];              /* acceleration m/s^2; world; of the last step */
    float want[4], thrust[4]; /* each motor's thrust, asked and present, N */
    float wind[3], gust;     /* wind m/s; time left of a gust, s */
    float p_ref[3], v_ref[3], a_ref[3], yaw_ref; /* where the autopilot wants to be */
    float windup[3];         /* integral of the position error */
    float used, amps, volts; /* battery: mAh, A, V */
    float vibration;         /* phase of the propellers, turns */
    float no_gps;            /* time left without satellites, s */
    float in_mode, angle;    /* time in this mode s, angle flown on the circle rad */
    enum quad_mode mode;
    uint32_t flights, faults, random;
    const char *event;       /* what happened in the last step, or NULL */
} quad;

static void quad_init(quad *q, uint32_t seed);
static void quad_step(quad *q);

static void quad_read_imu(quad *q, Imu *r);
static void quad_read_baro(quad *q, Baro *r);
static void quad_read_gps(quad *q, Gps *r);
static void quad_read_battery(const quad *q, Battery *r);
static void quad_read_motors(const quad *q, Motors *r);
static void quad_read_flight(const quad *q, Flight *r);
static void quad_read_pose(const quad *q, Pose *r);

/* ---- Stop here if you only use it. ----------------------------------------------------------- */

#define QUAD_DT 0.001f
#define QUAD_G 9.80665f
#define QUAD_MASS 1.2f
#define QUAD_ARM 0.12f         /* from the centre to a motor, along x and along y, m */
#define QUAD_FULL 7.5f         /* a motor's largest thrust, N */
#define QUAD_YAW_TORQUE 0.016f /* N m of reaction per N of thrust */
#define QUAD_PI 3.14159265f

/* front right, rear left, front left, rear right; the first two turn against the others */
static const float quad_motor_x[4] = {QUAD_ARM, -QUAD_ARM, QUAD_ARM, -QUAD_ARM};
static const float quad_motor_y[4] = {-QUAD_ARM, QUAD_ARM, QUAD_ARM, -QUAD_ARM};
static const float quad_motor_turn[4] = {-1.0f, -1.0f, 1.0f, 1.0f};
static const float quad_inertia[3] = {0.012f, 0.012f, 0.021f}; /* kg m^2 */

/* >>math: enough of it, to about 1e-5 */

static float quad_limit(float x, float lo, float hi) { return x < lo ? lo : x > hi ? hi : x; }

static float quad_sqrt(float x) {
    uint32_t bits;
    float y;
    int i;
    if (!(x > 1e-20f)) return 0.0f;
    memcpy(&bits, &x, sizeof bits);
    bits = 0x5F375A86u - (bits >> 1); /* 1/sqrt to 4 %, by halving the exponent */
    memcpy(&y, &bits, sizeof y);
    for (i = 0; i < 3; i++) y = y * (1.5f - 0.5f * x * y * y); /* Newton */
    return x * y;
}

static float quad_wrap(float angle) { /* into -pi..pi */
    float turns = angle / (2.0f * QUAD_PI);
    turns -= (float)(int32_t)(turns + (turns < 0.0f ? -0.5f : 0.5f));
    return turns * 2.0f * QUAD_PI;
}

static float quad_sin(float angle) { /* Taylor on -pi/2..pi/2, the rest by symmetry */
    float x = quad_wrap(angle), s;
    if (x > 0.5f * QUAD_PI) x = QUAD_PI - x;
    if (x < -0.5f * QUAD_PI) x = -QUAD_PI - x;
    s = x * x;
    return x * (1 + s * (-1 / 6.0f + s * (1 / 120.0f + s * (-1 / 5040.0f + s / 362880.0f))));
}

static float quad_cos(float angle) { return quad_sin(angle + 0.5f * QUAD_PI); }

static float quad_atan2(float y, float x) {
    float ax = x < 0.0f ? -x : x, ay = y < 0.0f ? -y : y;
    float big = ax > ay ? ax : ay, small = ax > ay ? ay : ax, t, s, r;
    if (!(big > 0.0f)) return 0.0f;
    t = small / big; /* minimax polynomial of atan on 0..1 (Hastings) */
    s = t * t;
    r = t * (0.99986601f + s * (-0.3302995f + s * (0.180141f + s * (-0.085133f + s * 0.0208351f))));
    if (ay > ax) r = 0.5f * QUAD_PI - r;
    if (x < 0.0f) r = QUAD_PI - r;
    return y < 0.0f ? -r : r;
}

static uint32_t quad_random(quad *q) { /* xorshift32; never 0 */
    q->random ^= q->random << 13;
    q->random ^= q->random >> 17;
    q->random ^= q->random << 5;
    return q->random;
}

static float quad_noise(quad *q) { /* about normal, deviation 1: a sum of four uniforms */
    uint32_t a = quad_random(q), b = quad_random(q);
    float sum = (float)(a & 0xFFFFu) + (float)(a >> 16) + (float)(b & 0xFFFFu) + (float)(b >> 16);
    return (sum / 65535.0f - 2.0f) * 1.7320508f;
}

/* Columns of the rotation matrix: the body's axis `k`, seen from the world. */
static void quad_axis(const quad *q, int k, float axis[3]) {
    float w = q->q[0], x = q->q[1], y = q->q[2], z = q->q[3];
    if (k == 0) {
        axis[0] = 1.0f - 2.0f * (y * y + z * z);
        axis[1] = 2.0f * (x * y + w * z);
        axis[2] = 2.0f * (x * z - w * y);
    } else if (k == 1) {
        axis[0] = 2.0f * (x * y - w * z);
        axis[1] = 1.0f - 2.0f * (x * x + z * z);
        axis[2] = 2.0f * (y * z + w * x);
    } else {
        axis[0] = 2.0f * (x * z + w * y);
        axis[1] = 2.0f * (y * z - w * x);
        axis[2] = 1.0f - 2.0f * (x * x + y * y);
    }
}

static float quad_dot(const float a[3], const float b[3]) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void quad_cross(const float a[3], const float b[3], float c[3]) {
    c[0] = a[1] * b[2] - a[2] * b[1];
    c[1] = a[2] * b[0] - a[0] * b[2];
    c[2] = a[0] * b[1] - a[1] * b[0];
}

static void quad_to_body(const quad *q, const float world[3], float body[3]) {
    float axis[3];
    int i;
    for (i = 0; i < 3; i++) {
        quad_axis(q, i, axis);
        body[i] = quad_dot(axis, world);
    }
}

/* >>physics */

static void quad_blow(quad *q) { /* wind that wanders, and a gust now and then */
    int i;
    for (i = 0; i < 3; i++) q->wind[i] += (-0.5f * q->wind[i] + 30.0f * quad_noise(q)) * QUAD_DT;
    if (q->gust > 0.0f) {
        q->gust -= QUAD_DT;
        q->wind[0] += 8.0f * QUAD_DT;
    } else if (quad_random(q) < 0xFFFFFFFFu / 6000u) { /* every 6 s or so */
        q->gust = 0.4f;
    }
}

static void quad_forces(quad *q, float force[3]) {
    float up[3], thrust = 0.0f;
    int i;
    for (i = 0; i < 4; i++) {
        q->thrust[i] += (q->want[i] - q->thrust[i]) * (QUAD_DT / 0.03f); /* the motor's lag */
        thrust += q->thrust[i];
    }
    quad_axis(q, 2, up);
    for (i = 0; i < 3; i++) force[i] = up[i] * thrust - 0.25f * (q->v[i] - q->wind[i]);
    force[2] -= QUAD_MASS * QUAD_G;
}

static void quad_torques(const quad *q, float torque[3]) {
    float spin[3], gyro[3];
    int i;
    torque[0] = torque[1] = torque[2] = 0.0f;
    for (i = 0; i < 4; i++) {
        torque[0] += quad_motor_y[i] * q->thrust[i];
        torque[1] -= quad_motor_x[i] * q->thrust[i];
        torque[2] += quad_motor_turn[i] * QUAD_YAW_TORQUE * q->thrust[i];
    }
    for (i = 0; i < 3; i++) spin[i] = quad_inertia[i] * q->w[i];
    quad_cross(q->w, spin, gyro);
    for (i = 0; i < 3; i++) torque[i] -= gyro[i] + 0.003f * q->w[i];
}

static int quad_on_ground(const quad *q) { return q->p[2] < 0.0f; }

/* Legs: a spring and a damper, feet that grip, and a stance that levels. */
static void quad_ground(const quad *q, float force[3], float torque[3]) {
    static const float up[3] = {0.0f, 0.0f, 1.0f};
    float push = -3000.0f * q->p[2] - 60.0f * q->v[2], up_body[3];
    if (!quad_on_ground(q)) return;
    if (push > 0.0f) force[2] += push;
    force[0] -= QUAD_MASS * 20.0f * q->v[0];
    force[1] -= QUAD_MASS * 20.0f * q->v[1];
    quad_to_body(q, up, up_body); /* body z crossed with it: the axis that levels */
    torque[0] += -4.0f * up_body[1] - 0.3f * q->w[0];
    torque[1] += 4.0f * up_body[0] - 0.3f * q->w[1];
    torque[2] -= 0.3f * q->w[2];
}

static void quad_turn(quad *q) { /* q += q * (0, w) dt / 2, then back to length 1 */
    float w = q->q[0], x = q->q[1], y = q->q[2], z = q->q[3], n;
    float h = 0.5f * QUAD_DT, hx = h * q->w[0], hy = h * q->w[1], hz = h * q->w[2];
    int i;
    q->q[0] = w - x * hx - y * hy - z * hz;
    q->q[1] = x + w * hx + y * hz - z * hy;
    q->q[2] = y + w * hy + z * hx - x * hz;
    q->q[3] = z + w * hz + x * hy - y * hx;
    n = quad_sqrt(q->q[0] * q->q[0] + q->q[1] * q->q[1] + q->q[2] * q->q[2] + q->q[3] * q->q[3]);
    for (i = 0; i < 4; i++) q->q[i] /= n;
}

static void quad_move(quad *q) {
    float force[3], torque[3];
    int i;
    quad_forces(q, force);
    quad_torques(q, torque);
    quad_ground(q, force, torque);
    for (i = 0; i < 3; i++) {
        q->a[i] = force[i] / QUAD_MASS;
        q->v[i] += q->a[i] * QUAD_DT;
        q->p[i] += q->v[i] * QUAD_DT;
        q->w[i] += torque[i] / quad_inertia[i] * QUAD_DT;
    }
    quad_turn(q);
}

static void quad_discharge(quad *q) {
    float draw = 0.4f, part;
    int i;
    for (i = 0; i < 4; i++) {
        part = q->thrust[i] / QUAD_FULL;
        draw += 14.0f * part * quad_sqrt(part); /* power of a propeller: thrust^1.5 */
    }
    q->amps += (draw - q->amps) * (QUAD_DT / 0.05f);
    q->used += q->amps * QUAD_DT / 3.6f; /* A s to mAh */
    q->volts = 16.6f - 2.4f * q->used / 1500.0f - 0.035f * q->amps;
}

/* >>autopilot */

/* Position and velocity errors ask for an acceleration; that and gravity give the thrust and the
   direction in which the body's z axis must point. */
static float quad_aim(quad *q, float aim[3]) {
    float error, n;
    int i;
    for (i = 0; i < 3; i++) {
        error = q->p_ref[i] - q->p[i];
        q->windup[i] = quad_limit(q->windup[i] + error * 0.004f, -1.0f, 1.0f);
        aim[i] = 6.0f * error + 4.0f * (q->v_ref[i] - q->v[i]) + 1.5f * q->windup[i] + q->a_ref[i];
        aim[i] = quad_limit(aim[i], -8.0f, 8.0f);
    }
    aim[2] += QUAD_G;
    n = quad_sqrt(quad_dot(aim, aim));
    for (i = 0; i < 3; i++) aim[i] /= n;
    return n * QUAD_MASS;
}

static float quad_yaw(const quad *q) {
    float nose[3];
    quad_axis(q, 0, nose);
    return quad_atan2(nose[1], nose[0]);
}

/* The error of the attitude asks for rates, the error of the rates for torques. */
static void quad_correct(const quad *q, const float aim[3], float torque[3]) {
    float up[3], world[3], tilt[3], rate;
    int i;
    quad_axis(q, 2, up);
    quad_cross(up, aim, world);
    quad_to_body(q, world, tilt);
    tilt[2] = quad_wrap(q->yaw_ref - quad_yaw(q));
    for (i = 0; i < 3; i++) {
        rate = quad_limit((i < 2 ? 9.0f : 3.0f) * tilt[i], -4.0f, 4.0f);
        torque[i] = quad_inertia[i] * (i < 2 ? 22.0f : 10.0f) * (rate - q->w[i]);
    }
}

static void quad_mix(quad *q, float thrust, const float torque[3]) {
    int i;
    q->faults &= ~(1u << QUAD_FAULT_MOTOR);
    for (i = 0; i < 4; i++) {
        float want = 0.25f * (thrust + torque[0] * quad_motor_y[i] / (QUAD_ARM * QUAD_ARM) -
                              torque[1] * quad_motor_x[i] / (QUAD_ARM * QUAD_ARM) +
                              torque[2] * quad_motor_turn[i] / QUAD_YAW_TORQUE);
        if (want > QUAD_FULL) q->faults |= 1u << QUAD_FAULT_MOTOR;
        q->want[i] = quad_limit(want, 0.05f * QUAD_FULL, QUAD_FULL);
    }
}

static void quad_control(quad *q) {
    float aim[3], torque[3], thrust;
    int i;
    if (q->mode == QUAD_DISARMED || q->mode == QUAD_ARMED) {
        for (i = 0; i < 4; i++) q->want[i] = q->mode == QUAD_ARMED ? 0.05f * QUAD_FULL : 0.0f;
        for (i = 0; i < 3; i++) q->windup[i] = 0.0f;
        return;
    }
    thrust = quad_aim(q, aim);
    quad_correct(q, aim, torque);
    quad_mix(q, thrust, torque);
}

/* >>mission */

static void quad_enter(quad *q, enum quad_mode mode, const char *event) {
    int i;
    q->mode = mode;
    q->in_mode = 0.0f;
    q->event = event;
    for (i = 0; i < 3; i++) q->v_ref[i] = q->a_ref[i] = 0.0f;
}

static void quad_climb(quad *q, float speed) { /* m/s, down when negative */
    q->v_ref[2] = speed;
    q->p_ref[2] += speed * QUAD_DT;
}

#define QUAD_RADIUS 1.5f
/* Nose along the path; speeds up to 2 rad/s, brakes at the end. */
static void quad_circle(quad *q) {
    float rate = quad_limit(2.0f * q->in_mode, 0.0f, 2.0f), s, c;
    rate = quad_limit(rate, 0.0f, 2.0f * (2.0f * QUAD_PI - q->angle) + 0.2f);
    q->angle += rate * QUAD_DT;
    s = quad_sin(q->angle);
    c = quad_cos(q->angle);
    q->p_ref[0] = QUAD_RADIUS * s;
    q->p_ref[1] = QUAD_RADIUS * (1.0f - c);
    q->v_ref[0] = QUAD_RADIUS * rate * c;
    q->v_ref[1] = QUAD_RADIUS * rate * s;
    q->a_ref[0] = -QUAD_RADIUS * rate * rate * s;
    q->a_ref[1] = QUAD_RADIUS * rate * rate * c;
    q->yaw_ref = quad_wrap(q->angle);
}

static void quad_square(quad *q) { /* 2 m sides, a corner every 1.2 s, the way there as a ramp */
    static const float corner[5][2] = {{0, 0}, {2, 0}, {2, 2}, {0, 2}, {0, 0}};
    int leg = (int)(q->in_mode / 1.2f), i;
    float t = quad_limit((q->in_mode - 1.2f * (float)leg) / 0.9f, 0.0f, 1.0f);
    if (leg > 3) return;
    for (i = 0; i < 2; i++)
        q->p_ref[i] =
            corner[leg][i] + (corner[leg + 1][i] - corner[leg][i]) * t * t * (3.0f - 2.0f * t);
}

static void quad_land(quad *q) { /* fast, then softly; it is down when the legs carry it */
    quad_climb(q, q->p[2] > 0.6f ? -1.5f : -0.5f);
    if (!quad_on_ground(q) || q->p_ref[2] > -0.1f) return;
    q->flights++;
    quad_enter(q, QUAD_DISARMED, "landed, motors off");
}

/* A battery that is empty is changed on the ground. */
static void quad_prepare(quad *q) {
    int i;
    for (i = 0; i < 3; i++) q->p_ref[i] = i < 2 ? 0.0f : q->p[i];
    q->yaw_ref = quad_yaw(q);
    q->angle = 0.0f;
    if (q->used > 1200.0f) {
        q->used = 0.0f;
        q->event = "battery changed";
    } else if (q->in_mode > 0.5f) {
        quad_enter(q, QUAD_ARMED, "armed");
    }
}

static void quad_fly(quad *q) {
    q->in_mode += QUAD_DT;
    switch (q->mode) {
    case QUAD_DISARMED: quad_prepare(q); break;
    case QUAD_ARMED:
        if (q->in_mode > 0.4f) quad_enter(q, QUAD_TAKEOFF, "take-off");
        break;
    case QUAD_TAKEOFF:
        quad_climb(q, 2.0f);
        if (q->p_ref[2] > 2.5f) quad_enter(q, QUAD_HOVER, "altitude reached, hover");
        break;
    case QUAD_HOVER:
        if (q->in_mode < 0.8f) break;
        if (q->flights % 2 == 0) quad_enter(q, QUAD_CIRCLE, "flying a circle");
        else quad_enter(q, QUAD_SQUARE, "flying a square");
        break;
    case QUAD_CIRCLE:
        quad_circle(q);
        if (q->angle > 2.0f * QUAD_PI) quad_enter(q, QUAD_LAND, "circle done, landing");
        break;
    case QUAD_SQUARE:
        quad_square(q);
        if (q->in_mode > 5.0f) quad_enter(q, QUAD_LAND, "square done, landing");
        break;
    case QUAD_LAND: quad_land(q); break;
    }
}

static void quad_fault(quad *q, enum quad_fault bit, int on, const char *event) {
    uint32_t mask = 1u << bit;
    if (on && !(q->faults & mask)) q->event = event;
    q->faults = on ? q->faults | mask : q->faults & ~mask;
}

static void quad_watch(quad *q) { /* what goes wrong */
    if (q->no_gps > 0.0f) q->no_gps -= QUAD_DT;
    else if (quad_random(q) < 0xFFFFFFFFu / 9000u) q->no_gps = 0.7f; /* every 9 s or so */
    quad_fault(q, QUAD_FAULT_GPS, q->no_gps > 0.0f, "satellites lost");
    quad_fault(q, QUAD_FAULT_WIND, q->gust > 0.0f, "gust of wind");
    quad_fault(q, QUAD_FAULT_BATTERY, q->volts < 14.2f, "battery low");
}

static void quad_init(quad *q, uint32_t seed) {
    memset(q, 0, sizeof *q);
    q->random = seed != 0 ? seed : 1;
    q->q[0] = 1.0f;
    q->p[2] = -QUAD_MASS * QUAD_G / 3000.0f; /* as deep as the legs give */
    q->volts = 16.6f;
    q->mode = QUAD_DISARMED;
}

static void quad_step(quad *q) {
    q->event = NULL;
    q->ms++;
    quad_blow(q);
    quad_watch(q);
    quad_fly(q); /* last: a change of mode is the event that counts */
    if (q->ms % 4 == 0) quad_control(q);
    quad_move(q);
    quad_discharge(q);
}

/* >>sensors */

/* What an ADC does: round to counts, stop at the ends. */
static int16_t quad_counts(float value, float lsb) {
    float n = value / lsb;
    n = quad_limit(n + (n < 0.0f ? -0.5f : 0.5f), -32768.0f, 32767.0f);
    return (int16_t)n;
}

static void quad_read_imu(quad *q, Imu *r) {
    const float degrees = 180.0f / QUAD_PI, accel = (float)QUAD_ACCEL_LSB,
                gyro = (float)QUAD_GYRO_LSB;
    float world[3], f[3], load = 0.0f, shake;
    int i;
    for (i = 0; i < 3; i++) world[i] = q->a[i];
    world[2] += QUAD_G; /* an accelerometer feels what holds it up, not gravity */
    quad_to_body(q, world, f);
    for (i = 0; i < 4; i++) load += q->thrust[i] / (4.0f * QUAD_FULL);
    q->vibration += 0.09f + 0.11f * quad_sqrt(load); /* turns of a propeller per step */
    q->vibration -= (float)(int32_t)q->vibration;
    shake = 1.5f * load * quad_sin(2.0f * QUAD_PI * q->vibration);
    r->ax = quad_counts(f[0] + shake + 0.05f * quad_noise(q) + 0.11f, accel);
    r->ay = quad_counts(f[1] - 0.6f * shake + 0.05f * quad_noise(q) - 0.07f, accel);
    r->az = quad_counts(f[2] + 0.8f * shake + 0.05f * quad_noise(q) + 0.03f, accel);
    r->gx = quad_counts(degrees * q->w[0] + 0.1f * quad_noise(q) + 0.4f, gyro);
    r->gy = quad_counts(degrees * q->w[1] + 0.1f * quad_noise(q) - 0.3f, gyro);
    r->gz = quad_counts(degrees * q->w[2] + 0.1f * quad_noise(q) + 0.1f, gyro);
}

static void quad_read_baro(quad *q, Baro *r) {
    float pressure = 96000.0f - 11.5f * q->p[2] + 1.5f * quad_noise(q); /* at 450 m above the sea */
    r->pressure = (uint32_t)(pressure * 100.0f);
    r->temperature = (int16_t)(2410.0f + 0.12f * q->used + 2.0f * quad_noise(q));
}

static void quad_read_gps(quad *q, Gps *r) {
    int lost = q->no_gps > 0.0f;
    float speed = quad_sqrt(q->v[0] * q->v[0] + q->v[1] * q->v[1]), course;
    memset(r, 0, sizeof *r);
    /* 11 to 14, another number each 1.7 s */
    r->satellites = (uint8_t)(lost ? 2u : 11u + (q->ms / 1700u * 2654435761u >> 30));
    r->fix = (uint8_t)(lost ? 0 : 3);
    if (lost) return;
    /* 47.4 N 8.5 E; 1e-7 degrees are 11 mm north and 7.5 mm east there */
    r->pos.lat = 474000000 + (int32_t)((q->p[1] + 0.02f * quad_noise(q)) * 89.8f);
    r->pos.lon = 85000000 + (int32_t)((q->p[0] + 0.02f * quad_noise(q)) * 132.7f);
    r->pos.alt = 450000 + (int32_t)((q->p[2] + 0.04f * quad_noise(q)) * 1000.0f);
    r->vel.x = q->v[0] + 0.03f * quad_noise(q);
    r->vel.y = q->v[1] + 0.03f * quad_noise(q);
    r->vel.z = q->v[2] + 0.05f * quad_noise(q);
    r->has_pos = r->has_vel = 1;
    if (speed < 0.3f) return;
    course = quad_atan2(q->v[0], q->v[1]) * (180.0f / QUAD_PI);
    r->course = course < 0.0f ? course + 360.0f : course;
    r->has_course = 1;
}

static void quad_read_battery(const quad *q, Battery *r) {
    r->voltage = (uint16_t)(q->volts * 1000.0f);
    r->current = (int16_t)(q->amps * 100.0f);
    r->used = q->used;
}

static void quad_read_motors(const quad *q, Motors *r) {
    int i;
    for (i = 0; i < 4; i++) r->pulse[i] = (uint16_t)(1000.0f + 1000.0f * q->want[i] / QUAD_FULL);
}

static void quad_read_flight(const quad *q, Flight *r) {
    memset(r, 0, sizeof *r);
    r->mode = (uint8_t)q->mode;
    r->faults = (uint16_t)q->faults;
}

static void quad_read_pose(const quad *q, Pose *r) {
    const float degrees = 180.0f / QUAD_PI;
    float x[3], y[3], z[3];
    quad_axis(q, 0, x);
    quad_axis(q, 1, y);
    quad_axis(q, 2, z);
    r->x = q->p[0];
    r->y = q->p[1];
    r->z = q->p[2];
    r->roll = degrees * quad_atan2(y[2], z[2]);
    r->pitch = degrees * quad_atan2(-x[2], quad_sqrt(x[0] * x[0] + x[1] * x[1]));
    r->yaw = degrees * quad_yaw(q);
}

#endif /* QUAD_H */
