/* stress_shm.c - writers, readers and sleepers in processes of their own, killed by SIGKILL at random,
   restarted, for as long as asked: no torn frame, nobody hangs, nothing leaks.  UNIT: native

     stress_shm [seconds [seed]]       default 60 seconds

   scenario_shm.c includes this file: its processes and their proofs, and a slice of the loop. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef TELEM_I_SHM_POINT
static void kill_point(void);
#define TELEM_I_SHM_POINT() kill_point()
#endif
#define TELEM_IMPLEMENTATION
#include "telem_shm.h"
#include "check.h"
#include <signal.h>
#include <sys/wait.h>

/* The n-th store into shared memory from now on is the last. */
static long kill_at;
static void kill_point(void) {
    if (kill_at > 0 && --kill_at == 0) {
        (void)kill(getpid(), SIGKILL);
        for (;;) (void)pause();
    }
}

#define MOST 3000u

/* ---- frames that prove themselves: who, how manieth, and bytes that follow from both ---- */

static uint32_t compose(uint8_t *p, uint64_t who, uint64_t number) {
    uint32_t len = number % 3 ? 24u + (uint32_t)(number * 7u % 25u)
                              : 24u + (uint32_t)(number * 2654435761u >> 5) % (MOST - 24u),
             i;
    telem_put64(p, who);
    telem_put64(p + 8, number);
    telem_put64(p + 16, ~number);
    for (i = 24; i < len; i++) p[i] = (uint8_t)(number * 31u + who + i);
    return len;
}
static int proves(const telem_shm_frame *f, const void *data) {
    static uint8_t want[MOST];
    const uint8_t *p = (const uint8_t *)data;
    uint64_t number;
    if (f->len < 24 || f->len > MOST) return 0;
    number = telem_get64(p + 8);
    if ((int64_t)number != f->time || compose(want, telem_get64(p), number) != f->len) return 0;
    return memcmp(want, p, (size_t)f->len) == 0;
}

/* ---- processes ---- */

static pid_t spawn(const char *role, const char *name, long a, long b) {
    char x[24], y[24];
    pid_t pid;
    fflush(stdout);
    snprintf(x, sizeof x, "%ld", a);
    snprintf(y, sizeof y, "%ld", b);
    pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "telem-shm-child", role, name, x, y, (char *)NULL);
        _exit(127);
    }
    return pid;
}
/* The child's exit code, or 1000 + signal. */
static int reap(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void stress_desc(telem_shm_desc *d, const char *name, int writers) {
    memset(d, 0, sizeof *d);
    d->name = name;
    d->frames = 32;
    d->writers = (uint32_t)writers;
    d->readers = 8;
    d->pins = 1;
    d->control_ring = 512;
    d->keep = 1;
    d->classes[0].bytes = 500, d->classes[0].count = 20;
    d->classes[1].bytes = MOST, d->classes[1].count = 24;
}

/* What the parent sees of its children, in a segment of its own: the last number of each. */
typedef struct progress {
    telem_atomic64 at[32], worst_wake;
    telem_atomic64 lost[32], voided[32]; /* by readers that writers wait for, until they were expelled */
} progress;
static progress *seen;
static progress *progress_map(const char *name) {
    char path[100];
    int fd;
    void *p;
    snprintf(path, sizeof path, "/dev/shm/%s.progress", name);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(progress)) != 0) return NULL;
    p = mmap(NULL, sizeof(progress), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    return p == MAP_FAILED ? NULL : (progress *)p;
}
static void progress_drop(const char *name) {
    char path[100];
    snprintf(path, sizeof path, "/dev/shm/%s.progress", name);
    (void)unlink(path);
}

/* Creates (or takes over), publishes for ever. place: its cell; writers: of the segment. */
static int role_owner(const char *name, long place, long writers) {
    static telem_shm s;
    static telem_shm_writer w;
    telem_shm_desc d;
    uint64_t rng = (uint64_t)getpid() * 2654435761u, number = 0, who = (uint64_t)getpid();
    static uint8_t bytes[MOST];
    telem_shm_message m;
    telem_result r;
    int tries = 2000;
    stress_desc(&d, name, (int)writers);
    do { /* the one before may be on its way out */
        r = telem_shm_create(&s, &d);
        if (r != TELEM_OK) telem_i_shm_nap(200000);
    } while ((r == TELEM_ERR_EXISTS || r == TELEM_AGAIN) && tries--);
    if (r != TELEM_OK) return 10;
    while ((r = telem_shm_writer_init(&w, &s, NULL)) == TELEM_FULL) telem_i_shm_nap(100000);
    if (r != TELEM_OK) return 11;
    for (;;) {
        uint32_t len = compose(bytes, who, number);
        if (number % 5 == 4) {
            telem_shm_slot slot;
            r = telem_shm_begin(&w, len, &slot);
            if (r == TELEM_OK) {
                memcpy(slot.data, bytes, len);
                if (number % 10 == 9) r = telem_shm_commit(&w, &slot, 1, (int64_t)number, len);
                else r = telem_shm_abort(&w, &slot);
            }
        } else r = telem_shm_publish(&w, 1, (int64_t)number, bytes, len);
        if (r != TELEM_OK && r != TELEM_AGAIN) return 12;
        number++;
        TELEM_STORE64_RELAXED(&seen->at[place], number);
        if (number % 64 == 0) (void)telem_shm_beat(&w);
        if (number % 16 == 0) {
            r = telem_shm_control_read(&w, &m, bytes, sizeof bytes);
            if (r == TELEM_ERR_CORRUPT) return 13;
        }
        if (check_rand(&rng) % 8 == 0) telem_i_shm_nap(check_rand(&rng) % 60000);
    }
}

/* A further writer of the same segment. */
static int role_guest(const char *name, long place, long unused) {
    static telem_shm s;
    static telem_shm_writer w;
    telem_shm_attach_desc a = TELEM_ZERO;
    uint64_t rng = (uint64_t)getpid() * 2654435761u, number = 0;
    static uint8_t bytes[MOST];
    telem_result r;
    (void)unused;
    a.name = name, a.write = 1;
    while ((r = telem_shm_attach(&s, &a)) != TELEM_OK) telem_i_shm_nap(100000);
    while ((r = telem_shm_writer_init(&w, &s, NULL)) == TELEM_FULL) telem_i_shm_nap(100000);
    for (;;) {
        uint32_t len = compose(bytes, (uint64_t)getpid(), number);
        r = telem_shm_publish(&w, 1, (int64_t)number, bytes, len);
        if (r != TELEM_OK && r != TELEM_AGAIN) return 12;
        number++;
        TELEM_STORE64_RELAXED(&seen->at[place], number);
        if (check_rand(&rng) % 4 == 0) telem_i_shm_nap(check_rand(&rng) % 100000);
        if (telem_shm_beat(&w) == TELEM_END) return 0;
    }
}

/* Reads for ever in one of several manners; proves each frame. */
static int role_reader(const char *name, long place, long manner) {
    static telem_shm_reader rd;
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_reader_desc d = TELEM_ZERO;
    static uint8_t bytes[MOST];
    uint64_t got = 0, last_number = 0, joined, before = 0;
    int expelled = 0;
    a.name = name;
    d.reliable = manner == 1;
    d.wait = (uint8_t)(manner == 2 ? TELEM_SHM_SLEEP : TELEM_SHM_SPIN_SLEEP);
    d.spin = 5000;
    d.deadline = 50000000;
    while (telem_shm_reader_open(&rd, &a, &d) != TELEM_OK) telem_i_shm_nap(200000);
    joined = telem_i_shm_head(rd.shm);
    for (;;) {
        telem_shm_frame f;
        telem_result r = telem_shm_wait(&rd, 20000000);
        TELEM_STORE64_RELAXED(&seen->at[place], ++got);
        if (r != TELEM_OK) continue;
        r = telem_shm_next(&rd, &f);
        expelled |=
            r == TELEM_EXPELLED || (manner == 1 && !telem_i_shm_gating(&rd)); /* told by the next call */
        if (manner == 1 && !expelled) {
            if (rd.next <= joined) before = rd.lost; /* slots that were taken before it came */
            TELEM_STORE64_RELAXED(&seen->lost[place], rd.lost - before);
            TELEM_STORE64_RELAXED(&seen->voided[place], rd.voided);
        }
        if (r == TELEM_ERR_CORRUPT) return 20;
        if (r != TELEM_OK) continue;
        if (last_number && f.number < last_number) return 21; /* twice, or out of order */
        last_number = f.number + 1;
        if (manner == 0 && f.number % 4 == 0) { /* pinned: stands still */
            r = telem_shm_pin(&rd, &f);
            if (r == TELEM_OK && !proves(&f, f.data)) return 22;
            if (r == TELEM_OK && telem_shm_unpin(&rd, &f) != TELEM_OK) return 23;
        } else {
            r = telem_shm_copy(&rd, &f, bytes, sizeof bytes);
            if (r == TELEM_OK && !proves(&f, bytes)) return 24;
        }
        if (got % 50 == 0) (void)telem_shm_control_write(&rd, 1, 0, bytes, 40);
    }
}

static int child_role(int argc, char **argv, int *code) {
    if (argc < 5 || strcmp(argv[0], "telem-shm-child") != 0) return 0;
    if (strcmp(argv[1], "owner") && strcmp(argv[1], "guest") && strcmp(argv[1], "reader")) return 0;
    seen = progress_map(argv[2]);
    if (!seen) *code = 99;
    else if (!strcmp(argv[1], "owner")) *code = role_owner(argv[2], atol(argv[3]), atol(argv[4]));
    else if (!strcmp(argv[1], "guest")) *code = role_guest(argv[2], atol(argv[3]), atol(argv[4]));
    else *code = role_reader(argv[2], atol(argv[3]), atol(argv[4]));
    return 1;
}

/* ---- the loop ---- */

#define CAST 7 /* an owner, two guests (several writers) or none, readers of three manners */

static pid_t cast_one(const char *name, int i, int writers) {
    TELEM_STORE64_RELAXED(&seen->at[i], 0);
    TELEM_STORE64_RELAXED(&seen->lost[i], 0);
    TELEM_STORE64_RELAXED(&seen->voided[i], 0);
    if (i == 0) return spawn("owner", name, i, writers);
    if (i < 3) return writers > 1 ? spawn("guest", name, i, writers) : 0;
    return spawn("reader", name, i, (i - 3) % 3);
}

/* Nothing of the dead stays: tables free, no pin, no slot held. */
static void nothing_leaks(const char *name) {
    static telem_shm s;
    static telem_shm_writer w;
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_segment info;
    uint32_t i;
    a.name = name, a.write = 1;
    REQUIRE_OK(telem_shm_attach(&s, &a));
    REQUIRE_OK(telem_shm_writer_init(&w, &s, NULL));
    CHECK_OK(telem_shm_beat(&w));
    CHECK_OK(telem_shm_info(&s, &info));
    for (i = 0; i < info.classes; i++) {
        telem_shm_class_info c;
        CHECK_OK(telem_shm_class_info_get(&s, i, &c));
        CHECK_EQ_INT(c.held, 0);
        CHECK_EQ_INT(c.pinned, 0);
    }
    for (i = 0; i < info.readers; i++) {
        telem_shm_reader_info r;
        CHECK_OK(telem_shm_reader_info_get(&s, i, &r));
        CHECK(!r.taken && !r.reliable);
    }
    for (i = 0; i < info.writers; i++) {
        telem_shm_writer_info x;
        CHECK_OK(telem_shm_writer_info_get(&s, i, &x));
        CHECK_EQ_INT(x.taken, i == w.index);
    }
    CHECK_OK(telem_shm_writer_deinit(&w));
    telem_shm_detach(&s);
    CHECK_EQ_INT(telem_shm_collect(NULL, name), 1);
    CHECK_EQ_INT(telem_shm_list(NULL, name, NULL, NULL), 0);
}

/* What the reliable reader missed; it begins at nought again when it is killed itself. */
static uint64_t missed, missed_voided, writers_killed;
static void account(int place) {
    missed += TELEM_LOAD64_RELAXED(&seen->lost[place]);
    missed_voided += TELEM_LOAD64_RELAXED(&seen->voided[place]);
}

/* Kills until the time or the number of kills is over; returns how many. */
static uint64_t kill_loop(int writers, double seconds, uint64_t kills, uint64_t seed) {
    char name[64];
    pid_t cast[CAST];
    uint64_t rng = seed, killed = 0, end = telem_i_shm_now() + (uint64_t)(seconds * 1e9);
    int i, bad = 0;
    snprintf(name, sizeof name, "stress-%d-%d", (int)getpid(), writers);
    seen = progress_map(name);
    if (!seen) {
        CHECK(seen != NULL);
        return 0;
    }
    for (i = 0; i < CAST; i++) cast[i] = cast_one(name, i, writers);
    while (!bad && killed < kills && telem_i_shm_now() < end) {
        int victim = (int)(check_rand(&rng) % CAST), code;
        uint64_t was;
        telem_i_shm_nap(check_rand(&rng) % 3000000);
        if (!cast[victim]) continue;
        was = TELEM_LOAD64_RELAXED(&seen->at[victim]);
        if (was == 0 && check_rand(&rng) % 8) continue; /* mostly those that have begun */
        (void)kill(cast[victim], SIGKILL);
        code = reap(cast[victim]);
        if (code != 1000 + SIGKILL) {
            printf("  process %d ended by itself: %d\n", victim, code);
            CHECK_EQ_INT(code, 1000 + SIGKILL);
            bad = 1;
        }
        killed++;
        if (victim < 3) writers_killed++;
        else account(victim);
        cast[victim] = cast_one(name, victim, writers);
        if (killed % 50 == 0) { /* does everybody still move? */
            uint64_t at[CAST], t = telem_i_shm_now();
            int still;
            for (i = 0; i < CAST; i++) at[i] = TELEM_LOAD64_RELAXED(&seen->at[i]);
            do {
                telem_i_shm_nap(2000000);
                for (i = still = 0; i < CAST; i++)
                    still += cast[i] && TELEM_LOAD64_RELAXED(&seen->at[i]) == at[i];
            } while (still && telem_i_shm_now() - t < 10000000000u);
            if (still) bad = 1;
            CHECK_EQ_INT(still, 0);
        }
    }
    for (i = 0; i < CAST; i++)
        if (cast[i]) {
            int code;
            (void)kill(cast[i], SIGKILL);
            code = reap(cast[i]);
            CHECK_EQ_INT(code, 1000 + SIGKILL);
            if (i >= 3) account(i);
        }
    /* each death of a writer voids the number it held at most; nothing else is lost */
    CHECK_EQ_INT(missed, 0);
    CHECK(missed_voided <= writers_killed);
    nothing_leaks(name);
    progress_drop(name);
    return killed;
}

#ifndef STRESS_SHM_INCLUDED
static double seconds = 60;
TEST(anybody_may_be_killed_at_any_time) {
    uint64_t seed = check_seed(), n = 0, start = telem_i_shm_now();
    while ((double)(telem_i_shm_now() - start) / 1e9 < seconds && !check_g.bad) {
        n += kill_loop(1, seconds / 6, UINT64_MAX, seed + n);
        if (!check_g.bad) n += kill_loop(3, seconds / 6, UINT64_MAX, seed + n + 1);
    }
    printf("%" PRIu64 " kills, %" PRIu64 " of writers; the reliable reader lost %" PRIu64 " frames, %" PRIu64
           " numbers were void; none torn, nobody hung, nothing leaked\n",
           n, writers_killed, missed, missed_voided);
}
int main(int argc, char **argv) {
    int code = 0;
    const char *env = getenv("STRESS_SECONDS");
    if (child_role(argc, argv, &code)) return code;
    if (env) seconds = atof(env);
    if (argc > 1) seconds = atof(argv[1]);
    if (argc > 2) (void)setenv("CHECK_SEED", argv[2], 1);
    RUN(anybody_may_be_killed_at_any_time);
    return CHECK_MAIN_END();
}
#endif
