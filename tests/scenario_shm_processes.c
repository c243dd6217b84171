/* scenario_shm_processes.c - telem_shm.h between started processes, with nothing but what Linux and Windows
   both have: frames and messages cross, sleepers wake, who is killed (at any time, and behind each store of
   a take-over, a publish, an attach, a pin) leaves nothing in the way. What only Linux has: scenario_shm.c. */
#define _POSIX_C_SOURCE 200809L
static void cut_here(void); /* behind each store into shared memory */
#define TELEM_I_SHM_POINT() cut_here()
#define TELEM_IMPLEMENTATION
#include "telem_shm.h"
#include "check.h"
#if !defined(_WIN32)
#include <signal.h>
#include <sys/wait.h>
#endif

enum { FRAMES = 300, LARGE = 70000, KILLED = 1000 };
#if defined(_WIN32)
#define STEP 1
#else
#define STEP (check_quick() ? 7 : 1) /* scenario_shm.c takes each */
#endif

static char name[64];
static const char *named(const char *what) {
    snprintf(name, sizeof name, "process-%lu-%s", (unsigned long)telem_i_shm_pid(), what);
    (void)telem_shm_collect(NULL,
                            name); /* wine begins with the same ids each time: a run that was cut short */
    return name;
}

/* ---- processes ---- */

#if defined(_WIN32)
typedef HANDLE process;
static int spawn(process *p, const char *role, const char *called, long arg) {
    char self[MAX_PATH], line[MAX_PATH + 200];
    STARTUPINFOA si;
    PROCESS_INFORMATION pi;
    memset(&si, 0, sizeof si);
    si.cb = sizeof si;
    if (!GetModuleFileNameA(NULL, self, sizeof self)) return 0;
    snprintf(line, sizeof line, "\"%s\" role %s %s %ld", self, role, called, arg);
    if (!CreateProcessA(self, line, NULL, NULL, FALSE, 0, NULL, NULL, &si, &pi)) return 0;
    (void)CloseHandle(pi.hThread);
    *p = pi.hProcess;
    return 1;
}
static void end(process p) { (void)TerminateProcess(p, KILLED); }
static void end_myself(void) { end(GetCurrentProcess()); }
static int outcome(process p) {
    DWORD code = 0;
    (void)WaitForSingleObject(p, INFINITE);
    (void)GetExitCodeProcess(p, &code);
    (void)CloseHandle(p);
    return (int)code;
}
#else
typedef pid_t process;
static int spawn(process *p, const char *role, const char *called, long arg) {
    char number[24];
    snprintf(number, sizeof number, "%ld", arg);
    *p = fork();
    if (*p == 0) {
        execl("/proc/self/exe", "scenario", "role", role, called, number, (char *)NULL);
        _exit(127);
    }
    return *p > 0;
}
static void end(process p) { (void)kill(p, SIGKILL); }
static void end_myself(void) { end(getpid()); }
static int outcome(process p) {
    int status = 0;
    while (waitpid(p, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED;
}
#endif

static long cut_at; /* this store is the last one */
static void cut_here(void) {
    if (cut_at > 0 && --cut_at == 0) end_myself();
}

static int can_spawn(void) { /* an emulator may not start its own program again */
    process p;
    return spawn(&p, "nothing", "x", 0) && outcome(p) == 7;
}

/* ---- frames that prove themselves: the length and every byte follow from number and seed ---- */

static uint64_t bytes[LARGE / 8 + 8], copied[LARGE / 8 + 8];

static uint32_t length_of(uint64_t n) {
    return n % 3 == 0   ? (uint32_t)(8 + n % 40)
           : n % 3 == 1 ? (uint32_t)(60 + n % 900)
                        : (uint32_t)(LARGE - n % 1000);
}
static uint32_t compose(uint64_t n, uint64_t salt) {
    uint32_t len = length_of(n), i;
    uint8_t *p = (uint8_t *)bytes;
    memcpy(p, &salt, 8);
    for (i = 8; i < len; i++) p[i] = (uint8_t)(n * 31 + salt * 7 + i * (n | 1));
    return len;
}
static int proves(const telem_shm_frame *f, const void *data) {
    uint64_t n = (uint64_t)f->time, salt, i;
    const uint8_t *p = (const uint8_t *)data;
    if (f->len != length_of(n)) return 0;
    memcpy(&salt, p, 8);
    for (i = 8; i < f->len; i++)
        if (p[i] != (uint8_t)(n * 31 + salt * 7 + i * (n | 1))) return 0;
    return 1;
}

static telem_shm s, s2;
static telem_shm_writer w;
static telem_shm_reader rd, rd2;

static void describe(telem_shm_desc *d, const char *called) {
    memset(d, 0, sizeof *d);
    d->name = called;
    d->frames = 16;
    d->readers = 3;
    d->pins = 1;
    d->control_ring = 1024;
    d->classes[0].bytes = 1024, d->classes[0].count = 10;
    d->classes[1].bytes = LARGE, d->classes[1].count = 10;
}
#define FOR_LONG 120000000000u /* ns: who waited for a deadline is told from who was held up by the machine */
static telem_result owner(const char *called, int keep) {
    telem_shm_writer_desc patient = TELEM_ZERO;
    telem_shm_desc d;
    telem_result r;
    describe(&d, called);
    d.keep = (uint8_t)keep;
    patient.patience = FOR_LONG;
    r = telem_shm_create(&s, &d);
    return r == TELEM_OK ? telem_shm_writer_init(&w, &s, &patient) : r;
}
static void leave(void) {
    CHECK_OK(telem_shm_writer_deinit(&w));
    telem_shm_detach(&s);
}
static telem_result put(uint64_t n) {
    uint32_t len = compose(n, telem_i_shm_pid());
    return telem_shm_publish(&w, 1, (int64_t)n, bytes, len);
}
static telem_result guest(const char *called, const telem_shm_reader_desc *d) {
    telem_shm_attach_desc a = TELEM_ZERO;
    a.name = called;
    return telem_shm_reader_open(&rd, &a, d);
}

/* ---- roles ---- */

static int role_reader(const char *called, long reliable) { /* every frame, in order; then says so */
    telem_shm_reader_desc d = TELEM_ZERO;
    telem_shm_frame f;
    uint64_t n;
    d.reliable = reliable == 1;
    d.deadline = 20000000000u;
    if (guest(called, &d) != TELEM_OK) return 2;
    if (telem_shm_control_write(&rd, 1, 0, "ready", 5) != TELEM_OK) return 3;
    for (n = 0; n < FRAMES; n++) {
        if (telem_shm_wait(&rd, 20000000000u) != TELEM_OK) return 4;
        if (telem_shm_next(&rd, &f) != TELEM_OK) return 5;
        if ((uint64_t)f.time != n) return 6;
        if (telem_shm_copy(&rd, &f, copied, sizeof copied) != TELEM_OK || !proves(&f, copied)) return 7;
    }
    if (telem_shm_control_write(&rd, 2, (int64_t)n, &n, sizeof n) != TELEM_OK) return 8;
    telem_shm_reader_close(&rd);
    return 0;
}

/* Sleeps at once, always, and answers each frame with how late it woke. */
static int role_sleeper(const char *called, long frames) {
    telem_shm_reader_desc d = TELEM_ZERO;
    telem_clock clock = telem_clock_monotonic();
    telem_shm_frame f;
    d.wait = TELEM_SHM_SLEEP;
    if (guest(called, &d) != TELEM_OK) return 2;
    if (telem_shm_control_write(&rd, 1, 0, NULL, 0) != TELEM_OK) return 3;
    while (frames > 0) {
        int64_t late;
        if (telem_shm_wait(&rd, 20000000000u) != TELEM_OK) return 4;
        if (telem_shm_next(&rd, &f) != TELEM_OK) continue;
        late = (int64_t)clock.read(clock.user) - f.time;
        if (telem_shm_control_write(&rd, 2, late, NULL, 0) != TELEM_OK) return 5;
        frames--;
    }
    telem_shm_reader_close(&rd);
    return 0;
}

static int role_owner(const char *called, long frames) { /* publishes, then waits to be killed */
    telem_shm_slot slot;
    uint64_t n;
    if (owner(called, 1) != TELEM_OK) return 2;
    for (n = 0; frames < 0 || n < (uint64_t)frames; n++)
        if (put(n) != TELEM_OK) return 3;
    if (telem_shm_begin(&w, LARGE, &slot) != TELEM_OK) return 4;
    memset(slot.data, 0xEE, LARGE);
    if (put(n) != TELEM_OK) return 5;
    for (;;) telem_i_shm_nap(1000000000);
}

static int role_holder(const char *called, long reliable) { /* pins one, gates, and waits to be killed */
    telem_shm_reader_desc d = TELEM_ZERO;
    telem_shm_frame f;
    d.reliable = reliable == 1;
    d.deadline = 3600000000000u;
    if (guest(called, &d) != TELEM_OK) return 2;
    while (telem_shm_wait(&rd, 20000000000u) == TELEM_OK && telem_shm_next(&rd, &f) == TELEM_OK)
        if (f.slot != TELEM_I_SHM_INLINE && telem_shm_pin(&rd, &f) == TELEM_OK) break;
    if (telem_shm_control_write(&rd, 42, 0, NULL, 0) != TELEM_OK) return 3;
    for (;;) telem_i_shm_nap(1000000000);
}

/* A whole life as owner, cut short behind store `at`. */
static int role_cut_owner(const char *called, long at) {
    telem_shm_slot slot, dropped;
    uint32_t len;
    uint64_t n;
    cut_at = at;
    if (owner(called, 1) != TELEM_OK) return 2;
    for (n = 0; n < 4; n++)
        if (put(n) != TELEM_OK) return 3;
    if (telem_shm_begin(&w, LARGE, &slot) != TELEM_OK || telem_shm_begin(&w, LARGE, &dropped) != TELEM_OK)
        return 4;
    memset(dropped.data, 0xEE, LARGE);
    len = compose(5, 9);
    memcpy(slot.data, bytes, len);
    if (telem_shm_commit(&w, &slot, 1, 5, len) != TELEM_OK || telem_shm_abort(&w, &dropped) != TELEM_OK)
        return 5;
    if (telem_shm_meta_set(&w, "cut", bytes, 40) != TELEM_OK || telem_shm_beat(&w) != TELEM_OK) return 6;
    return 0;
}
static int role_cut_reader(const char *called, long at) {
    telem_shm_reader_desc d = TELEM_ZERO;
    telem_shm_frame f;
    int pinned = 0, tries = 10;
    d.reliable = (uint8_t)(at & 1);
    d.deadline = FOR_LONG;
    cut_at = at;
    if (guest(called, &d) != TELEM_OK) return 2;
    while (!pinned && tries-- && telem_shm_next(&rd, &f) == TELEM_OK)
        pinned = f.slot != TELEM_I_SHM_INLINE && telem_shm_pin(&rd, &f) == TELEM_OK;
    if (pinned && !proves(&f, f.data)) return 3;
    (void)telem_shm_wait(&rd, 100000); /* arms */
    if (telem_shm_control_write(&rd, 1, 1, bytes, 20) == TELEM_ERR_CORRUPT) return 4;
    if (pinned && telem_shm_unpin(&rd, &f) != TELEM_OK) return 5;
    telem_shm_reader_close(&rd);
    return 0;
}

static int play(int argc, char **argv, int *code) {
    long arg;
    if (argc != 5 || strcmp(argv[1], "role") != 0) return 0;
    arg = strtol(argv[4], NULL, 10);
    *code = strcmp(argv[2], "reader") == 0    ? role_reader(argv[3], arg)
            : strcmp(argv[2], "sleeper") == 0 ? role_sleeper(argv[3], arg)
            : strcmp(argv[2], "owner") == 0   ? role_owner(argv[3], arg)
            : strcmp(argv[2], "holder") == 0  ? role_holder(argv[3], arg)
            : strcmp(argv[2], "cut-owner") == 0  ? role_cut_owner(argv[3], arg)
            : strcmp(argv[2], "cut-reader") == 0 ? role_cut_reader(argv[3], arg)
                                                 : 7;
    return 1;
}

/* ---- tests ---- */

static int message(uint32_t type, int64_t *time, int seconds) { /* until one of this type comes */
    telem_shm_message m;
    telem_result r = TELEM_EMPTY;
    int tries = seconds * 1000;
    while (tries-- > 0) {
        r = telem_shm_control_read(&w, &m, copied, sizeof copied);
        if (r == TELEM_OK && m.type == type) {
            if (time) *time = m.time;
            return 1;
        }
        if (r != TELEM_OK) telem_i_shm_nap(1000000);
    }
    return 0;
}

/* Reliable, so the writer waits for it: all of them, in order, or exit code 6. */
TEST(frames_of_all_sizes_cross_to_a_reliable_reader) {
    const char *called = named("cross");
    process p;
    uint64_t n;
    if (!can_spawn()) SKIP("cannot start itself");
    REQUIRE_OK(owner(called, 0));
    REQUIRE(spawn(&p, "reader", called, 1));
    CHECK(message(1, NULL, 20));
    for (n = 0; n < FRAMES; n++) REQUIRE_OK(put(n));
    CHECK(message(2, NULL, 20));
    CHECK_EQ_INT(outcome(p), 0);
    leave();
}

TEST(sleeping_reader_is_woken) {
    const char *called = named("sleep");
    telem_clock clock = telem_clock_monotonic();
    int64_t late[50], t;
    process p;
    int i, j;
    if (!can_spawn()) SKIP("cannot start itself");
    REQUIRE_OK(owner(called, 0));
    REQUIRE(spawn(&p, "sleeper", called, 50));
    CHECK(message(1, NULL, 20));
    for (i = 0; i < 50; i++) {
        telem_i_shm_nap(3000000); /* it sleeps */
        REQUIRE_OK(telem_shm_publish(&w, 1, (int64_t)clock.read(clock.user), "x", 1));
        REQUIRE(message(2, &t, 20));
        for (j = i; j > 0 && late[j - 1] > t; j--) late[j] = late[j - 1];
        late[j] = t;
    }
    CHECK_EQ_INT(outcome(p), 0);
    if (getenv("CHECK_VERBOSE"))
        printf("  woken after %.0f us, at worst %.0f\n", (double)late[25] * 1e-3, (double)late[49] * 1e-3);
    CHECK(late[0] > 0 && late[5] < 20000000); /* if wake-ups got lost, all would wait 50 ms; others may keep us from running */
    leave();
}

TEST(killed_owner_is_told_and_another_takes_over) {
    const char *called = named("owner");
    telem_shm_frame f;
    telem_shm_segment info;
    process p;
    int tries = 60000, n = 0;
    if (!can_spawn()) SKIP("cannot start itself");
    REQUIRE(spawn(&p, "owner", called, 9));
    while (guest(called, NULL) != TELEM_OK && tries--) telem_i_shm_nap(5000000);
    REQUIRE(tries > 0);
    while (n < 10 && telem_shm_wait(&rd, 20000000000u) == TELEM_OK)
        while (telem_shm_next(&rd, &f) == TELEM_OK) CHECK_EQ_INT(f.time, n), n++;
    CHECK_EQ_INT(n, 10);
    CHECK_EQ_INT(telem_shm_health(&rd), TELEM_SHM_ALIVE);
    CHECK_EQ_INT(owner(called, 1), TELEM_ERR_EXISTS);
    end(p);
    CHECK_EQ_INT(outcome(p), KILLED);
    for (tries = 200; telem_shm_health(&rd) != TELEM_SHM_DEAD && tries--;) telem_i_shm_nap(5000000);
    CHECK_EQ_INT(telem_shm_health(&rd), TELEM_SHM_DEAD);
    REQUIRE_OK(owner(called, 0));
    CHECK_OK(telem_shm_info(&s, &info));
    CHECK_EQ_INT(info.takeovers, 1);
    CHECK_EQ_INT(info.head, 10);
    for (n = 10; n < 50; n++) {
        REQUIRE_OK(put((uint64_t)n));
        REQUIRE_OK(telem_shm_next(&rd, &f));
        CHECK_OK(telem_shm_copy(&rd, &f, copied, sizeof copied));
        CHECK(f.time == n && proves(&f, copied));
    }
    CHECK_EQ_INT(rd.lost, 0);
    leave();
    CHECK_EQ_INT(telem_shm_next(&rd, &f), TELEM_END);
    telem_shm_reader_close(&rd);
}

static void killed_reader(long reliable) {
    const char *called = named("holder");
    telem_shm_class_info c;
    telem_clock clock = telem_clock_monotonic();
    uint64_t n, start;
    process p;
    if (!can_spawn()) SKIP("cannot start itself");
    REQUIRE_OK(owner(called, 0));
    for (n = 0; n < 6; n++) REQUIRE_OK(put(n));
    REQUIRE(spawn(&p, "holder", called, reliable));
    CHECK(message(42, NULL, 20));
    CHECK_OK(telem_shm_class_info_get(&s, 0, &c));
    CHECK_EQ_INT(c.pinned, 1);
    end(p);
    CHECK_EQ_INT(outcome(p), KILLED);
    start = clock.read(clock.user);
    for (; n < 60; n++) REQUIRE_OK(put(n)); /* its gate would be in the way for an hour */
    CHECK(clock.read(clock.user) - start < 10000000000u);
    CHECK_OK(telem_shm_beat(&w));
    CHECK_OK(telem_shm_class_info_get(&s, 0, &c));
    CHECK_EQ_INT(c.pinned, 0);
    leave();
}
TEST(killed_reader_holds_no_pin) { killed_reader(0); }
TEST(killed_reliable_reader_holds_up_nobody) { killed_reader(1); }

static int found, lives;
static int on_segment(void *user, const char *called, int alive) {
    (void)user, (void)called;
    found++;
    lives += alive;
    return 0;
}
TEST(abandoned_segment_is_listed_and_collected) {
    const char *called = named("stale");
    process p;
    int tries = 60000;
    if (!can_spawn()) SKIP("cannot start itself");
    REQUIRE(spawn(&p, "owner", called, 3));
    while (guest(called, NULL) != TELEM_OK && tries--) telem_i_shm_nap(5000000);
    REQUIRE(tries > 0);
    telem_shm_reader_close(&rd);
    found = lives = 0;
    CHECK_EQ_INT(telem_shm_list(NULL, called, on_segment, NULL), 1);
    CHECK_EQ_INT(found * 10 + lives, 11);
    CHECK_EQ_INT(telem_shm_collect(NULL, called), 0); /* in use */
    end(p);
    CHECK_EQ_INT(outcome(p), KILLED);
    found = lives = 0;
    CHECK_EQ_INT(telem_shm_list(NULL, called, on_segment, NULL), 1);
    CHECK_EQ_INT(found * 10 + lives, 10);
    CHECK_EQ_INT(telem_shm_collect(NULL, called), 1);
    CHECK_EQ_INT(telem_shm_list(NULL, called, on_segment, NULL), 0);
    CHECK_EQ_INT(guest(called, NULL), TELEM_ERR_NOT_FOUND);
}

static int drain(void) {
    telem_shm_frame f;
    int n = 0;
    while (telem_shm_next(&rd, &f) == TELEM_OK) {
        telem_result r = telem_shm_copy(&rd, &f, copied, sizeof copied);
        if (r == TELEM_OK) CHECK(proves(&f, copied));
        n += r == TELEM_OK;
    }
    return n;
}
TEST(owner_killed_behind_any_store_is_replaced_by_another) {
    const char *called = named("cut");
    int code = KILLED;
    long at;
    process p;
    if (!can_spawn()) SKIP("cannot start itself");
    REQUIRE(spawn(&p, "cut-owner", called, 0) && outcome(p) == 0);
    REQUIRE_OK(guest(called, NULL));
    for (at = 1; code == KILLED && at < 5000 && !check_g.bad; at += STEP) {
        uint64_t voided = rd.voided, n, lost;
        REQUIRE(spawn(&p, "cut-owner", called, at));
        code = outcome(p);
        (void)drain();
        CHECK(rd.voided <= voided + 1);
        REQUIRE_OK(owner(called, 1));
        (void)drain();
        lost = rd.lost;
        for (n = 0; n < 20; n++) { /* the whole ring once round */
            REQUIRE_OK(put(n));
            CHECK_EQ_INT(drain(), 1);
        }
        CHECK_EQ_INT(rd.lost, lost);
        leave();
        if (check_g.bad) printf("  store %ld\n", at);
    }
    CHECK_EQ_INT(code, 0);
    CHECK(at > 60);
    if (getenv("CHECK_VERBOSE")) printf("  %ld stores\n", at);
    telem_shm_reader_close(&rd);
    CHECK_EQ_INT(telem_shm_collect(NULL, called), 1);
}

TEST(reader_killed_behind_any_store_leaves_nothing) {
    const char *called = named("cut-reader");
    int code = KILLED;
    uint64_t n = 0;
    long at;
    process p;
    if (!can_spawn()) SKIP("cannot start itself");
    REQUIRE_OK(owner(called, 0));
    for (at = 1; code == KILLED && at < 1000 && !check_g.bad; at += STEP) {
        telem_shm_class_info c = TELEM_ZERO;
        uint64_t start, k;
        for (k = 0; k < 6; k++) REQUIRE_OK(put(n++));
        REQUIRE(spawn(&p, "cut-reader", called, at));
        code = outcome(p);
        start = telem_i_shm_now();
        for (k = 0; k < 20; k++) REQUIRE_OK(put(n++));
        CHECK(telem_i_shm_now() - start < FOR_LONG / 2); /* its deadline was not waited for */
        CHECK_OK(telem_shm_beat(&w));
        CHECK_OK(telem_shm_class_info_get(&s, 0, &c));
        CHECK_EQ_INT(c.pinned, 0);
        CHECK_EQ_INT(TELEM_LOAD64_RELAXED(&telem_i_shm_control_of(&s)->gates), 0);
        CHECK_EQ_INT(TELEM_LOAD64_RELAXED(&telem_i_shm_control_of(&s)->armed), 0);
        if (check_g.bad) printf("  store %ld\n", at);
    }
    CHECK_EQ_INT(code, 0);
    CHECK(at > 20);
    leave();
}

TEST(owner_killed_at_random_leaves_no_torn_frame) {
    const char *called = named("random");
    uint64_t seed = check_seed();
    int kills = check_quick() ? 8 : 40, i;
    uint64_t good = 0;
    if (!can_spawn()) SKIP("cannot start itself");
    for (i = 0; i < kills && !check_g.bad; i++) {
        process p;
        telem_shm_frame f;
        uint64_t until, voided = rd.voided;
        int tries = 60000;
        REQUIRE(spawn(&p, "owner", called, -1));
        while (i == 0 && guest(called, NULL) != TELEM_OK && tries--) telem_i_shm_nap(2000000);
        REQUIRE(tries > 0);
        REQUIRE_OK(telem_shm_wait(&rd, 20000000000u)); /* of the new owner */
        until = telem_i_shm_now() + check_rand(&seed) % 30000000u;
        while (telem_i_shm_now() < until || good == 0) {
            if (telem_shm_next(&rd, &f) != TELEM_OK ||
                telem_shm_copy(&rd, &f, copied, sizeof copied) != TELEM_OK)
                continue;
            CHECK(proves(&f, copied));
            good++;
        }
        end(p);
        CHECK_EQ_INT(outcome(p), KILLED);
        while (telem_shm_next(&rd, &f) == TELEM_OK)
            if (telem_shm_copy(&rd, &f, copied, sizeof copied) == TELEM_OK) CHECK(proves(&f, copied));
        CHECK(rd.voided <= voided + 1);
    }
    if (getenv("CHECK_VERBOSE"))
        printf("  %d kills, %lu frames proved, %lu void\n", i, (unsigned long)good, (unsigned long)rd.voided);
    CHECK(good > 0);
    telem_shm_reader_close(&rd);
    CHECK_EQ_INT(telem_shm_collect(NULL, called), 1);
}

TEST(one_waits_for_frames_of_two_segments) {
    const char *called = named("two");
    telem_shm_reader *both[2];
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_desc d;
    telem_shm_frame f;
    char second[80];
    uint32_t which = 9;
    process p;
    int tries = 60000;
    if (!can_spawn()) SKIP("cannot start itself");
    snprintf(second, sizeof second, "%s-b", called);
    describe(&d, second);
    REQUIRE_OK(telem_shm_create(&s2, &d));
    a.name = second;
    REQUIRE_OK(telem_shm_reader_open(&rd2, &a, NULL));
    REQUIRE(spawn(&p, "owner", called, 0));
    while (guest(called, NULL) != TELEM_OK && tries--) telem_i_shm_nap(5000000);
    REQUIRE(tries > 0);
    both[0] = &rd2, both[1] = &rd;
    CHECK_OK(telem_shm_wait_any(both, 2, 20000000000u, &which));
    CHECK_EQ_INT(which, 1);
    CHECK_OK(telem_shm_next(&rd, &f));
    end(p);
    CHECK_EQ_INT(outcome(p), KILLED);
    telem_shm_reader_close(&rd);
    telem_shm_reader_close(&rd2);
    telem_shm_detach(&s2);
    CHECK_EQ_INT(telem_shm_collect(NULL, called), 1);
}

int main(int argc, char **argv) {
    int code = 0;
    if (play(argc, argv, &code)) return code;
    RUN(frames_of_all_sizes_cross_to_a_reliable_reader);
    RUN(sleeping_reader_is_woken);
    RUN(killed_owner_is_told_and_another_takes_over);
    RUN(killed_reader_holds_no_pin);
    RUN(killed_reliable_reader_holds_up_nobody);
    RUN(abandoned_segment_is_listed_and_collected);
    RUN(owner_killed_behind_any_store_is_replaced_by_another);
    RUN(reader_killed_behind_any_store_leaves_nothing);
    RUN(owner_killed_at_random_leaves_no_torn_frame);
    RUN(one_waits_for_frames_of_two_segments);
    return CHECK_MAIN_END();
}
