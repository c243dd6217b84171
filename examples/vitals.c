/* cc -O2 -I. examples/vitals.c -o vitals -llz4 -lpthread */
/* Records the machine it runs on: processors, memory, disks, network, load, temperature, and how
   punctual a thread of this machine wakes up a thousand times a second.

       thread    every    streams                           how
       ticker    1 ms     wakeup                            lane 0
                 1 s      jitter                            the shared lane
       cpu       100 ms   kernel, cpu0 cpu1 ...             lane 1
       devices   100 ms   memory, net.eth0 ... disk.sda ... lane 2
       watcher   500 ms   load, machine                     the shared lane
       main      20 ms    empties the ring into the file

   A thread that logs often has a lane of its own, where nobody is in its way; those that log now
   and then share one. Linux only: the numbers come from /proc and /sys. */
#define _POSIX_C_SOURCE 200809L
#include "record.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/utsname.h>

/* ------------------------------------------------------------------------------- records ---- */

enum wakeup_flag { WAKEUP_LATE, WAKEUP_MISSED };
TELEM_LABELS(wakeup_flags, {WAKEUP_LATE, "LATE"}, {WAKEUP_MISSED, "MISSED"});
#define WAKEUP_TABLE(F) \
    F(COUNT, u32, n, "wake-ups so far") \
    F(FULL, u32, late, 0, "us", 0.001, 0.0, TELEM_DECIMALS(3), TELEM_VOLATILE, "behind the plan") \
    F(BITS, u8, flags, wakeup_flags, "LATE: by 100 us or more; MISSED: by whole periods")
TELEM_DEFINE(Wakeup, WAKEUP_TABLE, "one wake-up of the 1 kHz loop");

#define BINS 12
#define JITTER_TABLE(F) \
    F(FULL, u32, min, 0, "us", 0.001, 0.0, TELEM_DECIMALS(3), 0, "smallest lateness") \
    F(FULL, u32, mean, 0, "us", 0.001, 0.0, TELEM_DECIMALS(3), 0, "average lateness") \
    F(FULL, u32, max, 0, "us", 0.001, 0.0, TELEM_DECIMALS(3), 0, "largest lateness") \
    F(FIELD, u32, late, "", "wake-ups late by 100 us or more") \
    F(FIELD, u32, missed, "", "periods slept through") \
    F(ARRAY, u16, bins, BINS, "", "wake-ups late by less than 1, 2, 4 ... us; the last: more")
TELEM_DEFINE(Jitter, JITTER_TABLE, "one second of the 1 kHz loop");

/* Linux counts in 1/100 s on every machine that this runs on. idle and iowait may step back. */
#define TICKS 0, "s", 0.01, 0.0, TELEM_DECIMALS(2)
#define CPU_TABLE(F) \
    F(FULL, u64, user, TICKS, TELEM_MONOTONIC, "in programs") \
    F(FULL, u64, system, TICKS, TELEM_MONOTONIC, "in the kernel, interrupts included") \
    F(FULL, u64, idle, TICKS, 0, "with nothing to do") \
    F(FULL, u64, iowait, TICKS, 0, "idle while a disk was waited for") \
    F(FULL, u64, steal, TICKS, TELEM_MONOTONIC, "taken by the hypervisor") \
    F(SCALED, u16, busy, "%", 0.1, 0.0, "share of the time since the last row")
TELEM_DEFINE(Cpu, CPU_TABLE, "time of one core since boot");

/* Counters that only grow: not an array, unit, scale, bias, decimals, flag. */
#define COUNT_UP 0, "", 0.0, 0.0, 0, TELEM_MONOTONIC
#define BYTES_UP 0, "B", 0.0, 0.0, 0, TELEM_MONOTONIC
#define SECTORS_UP 0, "B", 512.0, 0.0, 0, TELEM_MONOTONIC

#define KERNEL_TABLE(F) \
    F(FULL, u64, switches, COUNT_UP, "context switches since boot") \
    F(FULL, u64, interrupts, COUNT_UP, "interrupts since boot") \
    F(FULL, u64, forks, COUNT_UP, "processes made since boot") \
    F(FIELD, u32, running, "", "tasks that run or could run") \
    F(FIELD, u32, blocked, "", "tasks that wait for a disk")
TELEM_DEFINE(Kernel, KERNEL_TABLE, "what the scheduler counts");

#define MEMORY_TABLE(F) \
    F(FIELD, u64, total, "KiB", "of the machine") \
    F(FIELD, u64, available, "KiB", "for programs, without swapping") \
    F(FIELD, u64, free, "KiB", "not used at all") \
    F(FIELD, u64, cached, "KiB", "copies of files") \
    F(FIELD, u64, dirty, "KiB", "waits to be written") \
    F(FIELD, u64, swapped, "KiB", "moved out to disk")
TELEM_DEFINE(Memory, MEMORY_TABLE, "/proc/meminfo");

#define NET_TABLE(F) \
    F(FULL, u64, rx_bytes, BYTES_UP, "received") \
    F(FULL, u64, rx_packets, COUNT_UP, "received") \
    F(FULL, u64, rx_dropped, COUNT_UP, "received and thrown away") \
    F(FULL, u64, tx_bytes, BYTES_UP, "sent") \
    F(FULL, u64, tx_packets, COUNT_UP, "sent") \
    F(FULL, u64, tx_dropped, COUNT_UP, "not sent")
TELEM_DEFINE(Net, NET_TABLE, "one network interface");

#define DISK_TABLE(F) \
    F(FULL, u64, reads, COUNT_UP, "requests") \
    F(FULL, u64, read, SECTORS_UP, "counted in sectors of 512 bytes") \
    F(FULL, u64, writes, COUNT_UP, "requests") \
    F(FULL, u64, written, SECTORS_UP, "counted in sectors of 512 bytes") \
    F(FIELD, u32, queued, "", "requests in flight") \
    F(SCALED, u64, busy, "s", 0.001, 0.0, "time with requests in flight")
TELEM_DEFINE(Disk, DISK_TABLE, "one disk");

#define LOAD_TABLE(F) \
    F(FULL, u32, one, 0, "", 0.01, 0.0, TELEM_DECIMALS(2), 0, "average of 1 minute") \
    F(FULL, u32, five, 0, "", 0.01, 0.0, TELEM_DECIMALS(2), 0, "of 5 minutes") \
    F(FULL, u32, fifteen, 0, "", 0.01, 0.0, TELEM_DECIMALS(2), 0, "of 15 minutes") \
    F(FIELD, u32, tasks, "", "processes and threads")
TELEM_DEFINE(Load, LOAD_TABLE, "tasks that run or want to");

enum machine_state { MACHINE_IDLE, MACHINE_WORKING, MACHINE_BUSY, MACHINE_SATURATED };
enum machine_flag {
    MACHINE_SWAPS,
    MACHINE_LOW_MEMORY,
    MACHINE_QUEUE,
    MACHINE_BLOCKED,
    MACHINE_HOT
};
TELEM_LABELS(machine_states, {MACHINE_IDLE, "IDLE"}, {MACHINE_WORKING, "WORKING"},
             {MACHINE_BUSY, "BUSY"}, {MACHINE_SATURATED, "SATURATED"});
TELEM_LABELS(machine_flags, {MACHINE_SWAPS, "SWAPS"}, {MACHINE_LOW_MEMORY, "LOW_MEMORY"},
             {MACHINE_QUEUE, "QUEUE"}, {MACHINE_BLOCKED, "BLOCKED"}, {MACHINE_HOT, "HOT"});
#define MACHINE_TABLE(F) \
    F(ENUM, u8, state, machine_states, "busy below 5, 50, 90 %, or above") \
    F(BITS, u8, flags, machine_flags, "what stands in the way") \
    F(SCALED, u16, busy, "%", 0.1, 0.0, "of all cores, since the last row") \
    F(OPT, f32, temperature, "degC", "the hottest sensor; absent where there is none")
TELEM_DEFINE(Machine, MACHINE_TABLE, "the machine as a whole");

/* ------------------------------------------------------------------------------- streams ---- */

#define MAX_CORES 64u
#define MAX_DEVICES 8u

enum { WAKEUP, JITTER, KERNEL, MEMORY, LOAD, MACHINE, FIRST_CORE };
enum { LANE_TICKER, LANE_CPU, LANE_DEVICES, LANES };

/* Everything that the threads share. Written before they start, then only read; `stop` and the
   ring are the exceptions. */
static struct {
    recorder rec;
    record_stream streams[FIRST_CORE + MAX_CORES + 2 * MAX_DEVICES];
    char names[FIRST_CORE + MAX_CORES + 2 * MAX_DEVICES][40];
    uint32_t cores, nets, disks; /* streams: FIRST_CORE.., then the nets, then the disks */
    telem_clock clock;
    telem_atomic32 stop;
} g;

static int64_t now(void) { return (int64_t)g.clock.read(g.clock.user); }
static int stopped(void) { return TELEM_LOAD32_ACQUIRE(&g.stop) != 0; }

/* ------------------------------------------------------------------------ reading /proc ---- */

/* A small text file, whole. Those of /proc are made when they are read, in one piece. */
static int slurp(const char *path, char *text, size_t cap) {
    int fd = open(path, O_RDONLY);
    size_t n = 0;
    ssize_t got = 1;
    if (fd < 0) return 0;
    while (n < cap - 1 && (got = read(fd, text + n, cap - 1 - n)) > 0) n += (size_t)got;
    close(fd);
    text[n] = '\0';
    return got >= 0;
}

/* Behind the word `key` at the start of a line; NULL when there is no such line. */
static const char *line_of(const char *text, const char *key) {
    size_t n = strlen(key);
    while (strncmp(text, key, n) != 0 || (text[n] != ' ' && text[n] != ':')) {
        text = strchr(text, '\n');
        if (text == NULL) return NULL;
        text++;
    }
    return text + n;
}

/* Up to `want` numbers of this line; those that are not there are 0. */
static int numbers(const char *s, uint64_t *v, int want) {
    int n;
    for (n = 0; n < want; n++) v[n] = 0;
    for (n = 0; s != NULL && n < want; n++) {
        char *end;
        s += strspn(s, " \t:");
        if (*s < '0' || *s > '9') break;
        v[n] = strtoull(s, &end, 10);
        s = end;
    }
    return n;
}

static uint64_t number_of(const char *text, const char *key) {
    uint64_t v;
    numbers(line_of(text, key), &v, 1);
    return v;
}

/* ------------------------------------------------------------------------------ threads ---- */

typedef struct producer {
    pthread_t thread;
    telem_ring_writer lane, shared;
} producer;

#define EVERY_MS(n) ((int64_t)(n) * 1000000)

/* Sleeps until `*next`, then moves it by one period; a sleep that was too long skips the periods
   that are over, so that the plan stands. Returns how many were skipped. */
static uint32_t wait_for(struct timespec *next, int64_t period, int64_t *lateness) {
    int64_t plan = (int64_t)next->tv_sec * 1000000000 + next->tv_nsec, late, skipped;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL) == EINTR) {}
    late = now() - plan;
    if (late < 0) late = 0;
    skipped = late / period;
    plan += (skipped + 1) * period;
    next->tv_sec = (time_t)(plan / 1000000000);
    next->tv_nsec = (long)(plan % 1000000000);
    if (lateness != NULL) *lateness = late;
    return (uint32_t)skipped;
}

/* The first moment of the plan: one period from now. */
static void start_plan(struct timespec *next, int64_t period) {
    int64_t first = now() + period;
    next->tv_sec = (time_t)(first / 1000000000);
    next->tv_nsec = (long)(first % 1000000000);
}

/* >>ticker */

static void jitter_add(Jitter *j, uint64_t *sum, uint32_t late, uint32_t missed) {
    int bin = 0;
    if (late < j->min) j->min = late;
    if (late > j->max) j->max = late;
    if (late >= 100000) j->late++;
    j->missed += missed;
    *sum += late;
    while (bin < BINS - 1 && late >= 1000u << bin) bin++;
    j->bins[bin]++;
}

static void *ticker(void *arg) {
    producer *me = (producer *)arg;
    struct timespec next;
    Wakeup w = TELEM_ZERO;
    start_plan(&next, EVERY_MS(1));
    while (!stopped()) {
        Jitter j = TELEM_ZERO;
        uint64_t sum = 0;
        uint32_t i;
        j.min = UINT32_MAX;
        for (i = 0; i < 1000 && !stopped(); i++) {
            int64_t late;
            uint32_t missed = wait_for(&next, EVERY_MS(1), &late);
            w.n += 1 + missed;
            w.late = late < UINT32_MAX ? (uint32_t)late : UINT32_MAX;
            w.flags = (uint8_t)((w.late >= 100000) << WAKEUP_LATE | (missed > 0) << WAKEUP_MISSED);
            jitter_add(&j, &sum, w.late, missed);
            record_log(&g.rec, &me->lane, WAKEUP, now(), &w);
        }
        if (i == 0) break;
        j.mean = (uint32_t)(sum / i);
        record_log(&g.rec, &me->shared, JITTER, now(), &j);
    }
    return NULL;
}

/* >>cpu */

static uint64_t grown(uint64_t to, uint64_t from) { return to > from ? to - from : 0; }

/* user nice system idle iowait irq softirq steal; guest time is in user already */
static void read_core(const char *line, Cpu *c) {
    Cpu was = *c;
    uint64_t v[8], busy, rest;
    numbers(line, v, 8);
    c->user = v[0] + v[1];
    c->system = v[2] + v[5] + v[6];
    c->idle = v[3];
    c->iowait = v[4];
    c->steal = v[7];
    busy = grown(c->user, was.user) + grown(c->system, was.system);
    rest = grown(c->idle, was.idle) + grown(c->iowait, was.iowait) + grown(c->steal, was.steal);
    c->busy = (uint16_t)(busy + rest > 0 ? busy * 1000 / (busy + rest) : 0);
}

static void log_kernel(producer *me, const char *stat, int64_t time) {
    Kernel k = TELEM_ZERO;
    k.switches = number_of(stat, "ctxt");
    k.interrupts = number_of(stat, "intr");
    k.forks = number_of(stat, "processes");
    k.running = (uint32_t)number_of(stat, "procs_running");
    k.blocked = (uint32_t)number_of(stat, "procs_blocked");
    record_log(&g.rec, &me->lane, KERNEL, time, &k);
}

static void log_cores(producer *me, Cpu *cores, const char *stat, int64_t time, int first) {
    uint32_t i;
    for (i = 0; i < g.cores; i++) {
        const char *line = line_of(stat, g.names[FIRST_CORE + i]);
        if (line == NULL) continue; /* a core that was switched off */
        read_core(line, &cores[i]);
        if (!first) record_log(&g.rec, &me->lane, FIRST_CORE + i, time, &cores[i]);
    }
}

static void *cpu(void *arg) {
    static char stat[65536];
    static Cpu cores[MAX_CORES];
    producer *me = (producer *)arg;
    struct timespec next;
    int first = 1; /* a share needs two readings */
    start_plan(&next, EVERY_MS(100));
    for (; !stopped(); wait_for(&next, EVERY_MS(100), NULL), first = 0) {
        int64_t time = now();
        if (!slurp("/proc/stat", stat, sizeof stat)) continue;
        log_kernel(me, stat, time);
        log_cores(me, cores, stat, time, first);
    }
    return NULL;
}

/* >>devices */

static void log_memory(producer *me, const char *text, int64_t time) {
    Memory m = TELEM_ZERO;
    m.total = number_of(text, "MemTotal");
    m.available = number_of(text, "MemAvailable");
    m.free = number_of(text, "MemFree");
    m.cached = number_of(text, "Cached");
    m.dirty = number_of(text, "Dirty");
    m.swapped = number_of(text, "SwapTotal") - number_of(text, "SwapFree");
    record_log(&g.rec, &me->lane, MEMORY, time, &m);
}

/* A line of /proc/net/dev or /proc/diskstats: its numbers behind the device's name. */
static int device_line(const char *text, const char *name, uint64_t *v, int want) {
    const char *at = text;
    size_t n = strlen(name);
    while ((at = strstr(at, name)) != NULL) {
        int starts = at > text && (at[-1] == ' ' || at[-1] == '\n');
        at += n;
        if (starts && (*at == ':' || *at == ' ')) return numbers(at, v, want) == want;
    }
    return 0;
}

static const char *device_name(uint32_t stream) { return strchr(g.names[stream], '.') + 1; }

static void log_net(producer *me, uint32_t stream, const char *text, int64_t time) {
    Net n = TELEM_ZERO;
    uint64_t v[12];
    if (!device_line(text, device_name(stream), v, 12)) return; /* unplugged */
    n.rx_bytes = v[0];
    n.rx_packets = v[1];
    n.rx_dropped = v[3];
    n.tx_bytes = v[8];
    n.tx_packets = v[9];
    n.tx_dropped = v[11];
    record_log(&g.rec, &me->lane, stream, time, &n);
}

static void log_disk(producer *me, uint32_t stream, const char *text, int64_t time) {
    Disk d = TELEM_ZERO;
    uint64_t v[10];
    if (!device_line(text, device_name(stream), v, 10)) return;
    d.reads = v[0];
    d.read = v[2];
    d.writes = v[4];
    d.written = v[6];
    d.queued = (uint32_t)v[8];
    d.busy = v[9];
    record_log(&g.rec, &me->lane, stream, time, &d);
}

static void *devices(void *arg) {
    static char text[65536];
    producer *me = (producer *)arg;
    uint32_t net = FIRST_CORE + g.cores, disk = net + g.nets, i;
    struct timespec next;
    start_plan(&next, EVERY_MS(100));
    for (; !stopped(); wait_for(&next, EVERY_MS(100), NULL)) {
        int64_t time = now();
        if (slurp("/proc/meminfo", text, sizeof text)) log_memory(me, text, time);
        if (g.nets > 0 && slurp("/proc/net/dev", text, sizeof text))
            for (i = 0; i < g.nets; i++) log_net(me, net + i, text, time);
        if (g.disks > 0 && slurp("/proc/diskstats", text, sizeof text))
            for (i = 0; i < g.disks; i++) log_disk(me, disk + i, text, time);
    }
    return NULL;
}

/* >>watcher */

static void log_load(producer *me, int64_t time) {
    char text[128];
    unsigned part[8] = {0};
    Load l = TELEM_ZERO;
    if (!slurp("/proc/loadavg", text, sizeof text)) return;
    if (sscanf(text, "%u.%u %u.%u %u.%u %u/%u", &part[0], &part[1], &part[2], &part[3], &part[4],
               &part[5], &part[6], &part[7]) != 8) return;
    l.one = part[0] * 100 + part[1];
    l.five = part[2] * 100 + part[3];
    l.fifteen = part[4] * 100 + part[5];
    l.tasks = part[7];
    record_log(&g.rec, &me->shared, LOAD, time, &l);
}

/* The hottest of the thermal zones, in 1/1000 degree; 0 when there is none to read. */
static int hottest(long *max) {
    char path[64], text[32];
    int zone, found = 0;
    for (zone = 0; zone < 16; zone++) {
        long t;
        snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/temp", zone);
        if (!slurp(path, text, sizeof text)) continue;
        t = strtol(text, NULL, 10);
        if (!found || t > *max) *max = t;
        found = 1;
    }
    return found;
}

static void note(Machine *m, enum machine_flag flag, int on) {
    if (on) m->flags |= (uint8_t)(1u << flag);
}

static void log_machine(producer *me, Cpu *all, int64_t time, int first) {
    static char text[65536];
    Machine m = TELEM_ZERO;
    long heat = 0;
    if (!slurp("/proc/stat", text, sizeof text)) return;
    read_core(line_of(text, "cpu"), all);
    m.busy = all->busy;
    m.state = (uint8_t)(m.busy < 50    ? MACHINE_IDLE
                        : m.busy < 500 ? MACHINE_WORKING
                        : m.busy < 900 ? MACHINE_BUSY
                                       : MACHINE_SATURATED);
    note(&m, MACHINE_QUEUE, number_of(text, "procs_running") > g.cores);
    note(&m, MACHINE_BLOCKED, number_of(text, "procs_blocked") > 0);
    if (slurp("/proc/meminfo", text, sizeof text)) {
        note(&m, MACHINE_SWAPS, number_of(text, "SwapTotal") != number_of(text, "SwapFree"));
        note(&m, MACHINE_LOW_MEMORY,
             number_of(text, "MemAvailable") < number_of(text, "MemTotal") / 10);
    }
    m.has_temperature = (uint8_t)hottest(&heat);
    m.temperature = (float)heat * 0.001f;
    note(&m, MACHINE_HOT, heat > 85000);
    if (!first) record_log(&g.rec, &me->shared, MACHINE, time, &m);
}

static void *watcher(void *arg) {
    producer *me = (producer *)arg;
    Cpu all = TELEM_ZERO;
    struct timespec next;
    int first = 1;
    start_plan(&next, EVERY_MS(500));
    for (; !stopped(); wait_for(&next, EVERY_MS(500), NULL), first = 0) {
        log_load(me, now());
        log_machine(me, &all, now(), first);
    }
    return NULL;
}

/* --------------------------------------------------------------------------- what is there ---- */

static void add_stream(uint32_t id, const char *prefix, const char *name,
                       const telem_schema *schema) {
    snprintf(g.names[id], sizeof g.names[id], "%s%s", prefix, name);
    g.streams[id].name = g.names[id];
    g.streams[id].schema = schema;
}

static void find_cores(void) {
    char text[65536], name[32];
    uint32_t core;
    if (!slurp("/proc/stat", text, sizeof text)) return;
    for (core = 0; core < MAX_CORES; core++) {
        snprintf(name, sizeof name, "cpu%u", (unsigned)core);
        if (line_of(text, name) == NULL) continue;
        add_stream(FIRST_CORE + g.cores++, "", name, &Cpu_schema);
    }
}

/* Interfaces that ever carried something. */
static void find_nets(void) {
    char text[65536], name[32];
    const char *line = text;
    uint64_t v[12];
    if (!slurp("/proc/net/dev", text, sizeof text)) return;
    for (; line != NULL && g.nets < MAX_DEVICES; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, " %31[^: \n]:", name) != 1) continue;
        if (!device_line(text, name, v, 12) || v[0] + v[8] == 0) continue;
        add_stream(FIRST_CORE + g.cores + g.nets++, "net.", name, &Net_schema);
    }
}

/* Whole disks (partitions have no folder in /sys/block) that were ever used. */
static void find_disks(void) {
    char text[65536], name[32], path[64];
    const char *line = text;
    uint64_t v[10];
    if (!slurp("/proc/diskstats", text, sizeof text)) return;
    for (; line != NULL && g.disks < MAX_DEVICES; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, " %*u %*u %31s", name) != 1) continue;
        snprintf(path, sizeof path, "/sys/block/%s", name);
        if (access(path, F_OK) != 0) continue;
        if (!device_line(text, name, v, 10) || v[0] + v[4] == 0) continue;
        add_stream(FIRST_CORE + g.cores + g.nets + g.disks++, "disk.", name, &Disk_schema);
    }
}

static void find_streams(void) {
    add_stream(WAKEUP, "", "wakeup", &Wakeup_schema);
    add_stream(JITTER, "", "jitter", &Jitter_schema);
    add_stream(KERNEL, "", "kernel", &Kernel_schema);
    add_stream(MEMORY, "", "memory", &Memory_schema);
    add_stream(LOAD, "", "load", &Load_schema);
    add_stream(MACHINE, "", "machine", &Machine_schema);
    find_cores();
    find_nets();
    find_disks();
}

/* ------------------------------------------------------------------------------ recording ---- */

static void describe(recorder *r) {
    struct utsname u;
    char cores[16];
    snprintf(cores, sizeof cores, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    record_text(r, TELEM_ALL_STREAMS, "program", "vitals");
    record_text(r, TELEM_ALL_STREAMS, "cores", cores);
    if (uname(&u) != 0) return;
    record_text(r, TELEM_ALL_STREAMS, "host", u.nodename);
    record_text(r, TELEM_ALL_STREAMS, "kernel", u.release);
    record_text(r, TELEM_ALL_STREAMS, "machine", u.machine);
}

static int start(producer *p, int lane, void *(*run)(void *)) {
    telem_result r = telem_ring_writer_init(&p->shared, g.rec.ring, TELEM_RING_SHARED);
    if (r == TELEM_OK && lane < LANES) r = telem_ring_writer_init(&p->lane, g.rec.ring, lane);
    if (r == TELEM_OK && pthread_create(&p->thread, NULL, run, p) != 0) r = TELEM_ERR_MEMORY;
    return r == TELEM_OK ? 0 : record_failed(&g.rec, "starting a thread", r);
}

/* Empties the ring until the time is over. */
static telem_result drain(void) {
    const struct timespec nap = {0, 20000000};
    int64_t began = now();
    double elapsed = 0.0;
    telem_result r = TELEM_OK;
    while (r == TELEM_OK && !record_over(&g.rec, elapsed)) {
        nanosleep(&nap, NULL);
        elapsed = (double)(now() - began) * 1e-9;
        r = record_drain(&g.rec);
        if (r == TELEM_OK) r = telem_file_writer_poll(&g.rec.writer, 0, now());
        record_progress(&g.rec, elapsed, 0);
    }
    record_progress(&g.rec, elapsed, 1);
    return r;
}

static int record_machine(void) {
    static void *(*const run[])(void *) = {ticker, cpu, devices, watcher}; /* lanes 0 1 2, none */
    producer p[4];
    int n = 0, i, bad = 0;
    telem_result r;
    describe(&g.rec);
    record_sync(&g.rec);
    record_note(&g.rec, "start");
    for (; n < 4 && !bad; n += !bad) bad = start(&p[n], n, run[n]);
    r = bad ? TELEM_OK : drain();
    TELEM_STORE32_RELEASE(&g.stop, 1);
    for (i = 0; i < n; i++) pthread_join(p[i].thread, NULL);
    record_note(&g.rec, record_interrupted ? "interrupted" : "stop");
    record_sync(&g.rec);
    return record_close(&g.rec, r) || bad;
}

static int help(void) {
    fputs("vitals - records the machine it runs on\n"
          "usage: vitals [options]\n" RECORD_OPTIONS_HELP
          "exit code: 0 ok, 1 failure, 2 usage, 3 recorded, but the ring lost records\n"
          "examples:\n"
          "  vitals -t 60 -o vitals.tlm && telem info vitals.tlm\n"
          "  vitals -t 0 -o vitals.tlm        until Ctrl-C; the file can be read meanwhile\n",
          stdout);
    return RECORD_OK;
}

int main(int argc, char **argv) {
    record_options o = {"vitals", "vitals.tlm", 10.0, 262144, 0, 1};
    int i, used;
    for (i = 1; i < argc; i += used) {
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) return help();
        used = record_option(&o, argc - i, argv + i);
        if (used <= 0) return record_usage(&o, argv[i]);
    }
    find_streams();
    g.clock = telem_clock_monotonic();
    g.rec.o = o;
    g.rec.clock = g.clock;
    g.rec.clock_name = "monotonic";
    g.rec.streams = g.streams;
    g.rec.count = FIRST_CORE + g.cores + g.nets + g.disks;
    g.rec.lanes = LANES;
    if (record_open(&g.rec) != RECORD_OK || record_machine() != RECORD_OK) return RECORD_FAILED;
    return record_verify(&g.rec);
}
