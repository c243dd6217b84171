/* scenario_shm.c - telem_shm.h between exec'd processes: killed behind every single store of publish,
   pin, attach and take-over; other users; full memory; descriptors handed over.   UNIT: native */
#define _GNU_SOURCE
#define STRESS_SHM_INCLUDED
#include "stress_shm.c"
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static char name[64];
static const char *named(const char *what) {
    snprintf(name, sizeof name, "scenario-%d-%s", (int)getpid(), what);
    return name;
}

/* ---- what dies: one role for each thing that may be cut short. arg: the store that is the last ---- */

static telem_shm s, own;
static telem_shm_writer w, w2;
static telem_shm_reader rd;
static uint8_t bytes[MOST];

static void publish_some(telem_shm_writer *to, int n) {
    static uint64_t number;
    while (n-- > 0) {
        uint32_t len = compose(bytes, (uint64_t)getpid(), number);
        CHECK_OK(telem_shm_publish(to, 1, (int64_t)number++, bytes, len));
    }
}
static void publish_batch(telem_shm_writer *to) {
    static uint8_t each[3][MOST];
    telem_shm_item items[3];
    uint32_t i;
    for (i = 0; i < 3; i++) {
        items[i].stream = 1, items[i].time = 5000 + (int64_t)i, items[i].data = each[i];
        items[i].len = compose(each[i], 3, 5000 + i);
    }
    CHECK_EQ_INT(telem_shm_publish_batch(to, items, 3, NULL), 3);
}
static void small_desc(telem_shm_desc *d, const char *called, int writers) {
    memset(d, 0, sizeof *d);
    d->name = called;
    d->frames = 8;
    d->writers = (uint32_t)writers;
    d->readers = 3;
    d->pins = 1;
    d->keep = 1;
    d->control_ring = 256;
    d->classes[0].bytes = MOST, d->classes[0].count = 7; /* fewer than frames: slots are marked GONE */
}

static int cut_take_over(const char *called, long at, long writers) {
    telem_shm_desc d;
    small_desc(&d, called, (int)writers);
    kill_at = at;
    if (telem_shm_create(&s, &d) != TELEM_OK) return 2;
    if (telem_shm_writer_init(&w, &s, NULL) != TELEM_OK) return 3;
    publish_some(&w, 1);
    return 0;
}
static int cut_publish(const char *called, long at, long writers) {
    telem_shm_desc d;
    telem_shm_slot slot, aborted;
    small_desc(&d, called, (int)writers);
    if (telem_shm_create(&s, &d) != TELEM_OK) return 2;
    if (telem_shm_writer_init(&w, &s, NULL) != TELEM_OK) return 3;
    if (writers > 1 && telem_shm_writer_init(&w2, &s, NULL) != TELEM_OK) return 4;
    publish_some(&w, 12);
    if (writers > 1) publish_some(&w2, 3);
    kill_at = at;
    publish_some(&w, 4);
    publish_batch(&w);
    if (telem_shm_begin(&w, MOST, &slot) != TELEM_OK || telem_shm_begin(&w, MOST, &aborted) != TELEM_OK)
        return 5;
    {
        uint32_t len = compose(bytes, 1, 7777);
        memcpy(slot.data, bytes, len);
        memset(aborted.data, 0xEE, MOST);
        if (telem_shm_commit(&w, &slot, 1, 7777, len) != TELEM_OK) return 6;
    }
    if (telem_shm_abort(&w, &aborted) != TELEM_OK) return 7;
    if (telem_shm_meta_set(&w, "cut", bytes, 40) != TELEM_OK) return 8;
    if (telem_shm_beat(&w) != TELEM_OK) return 9;
    return 0;
}
#define FOR_LONG 120000000000u /* ns: who waited for a deadline is told from who was held up by the machine */
static int cut_reader(const char *called, long at, long manner) {
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_reader_desc r = TELEM_ZERO;
    telem_shm_frame f;
    int pinned = 0, tries = 20;
    a.name = called;
    r.reliable = manner == 1;
    r.deadline = FOR_LONG;
    kill_at = at;
    if (telem_shm_attach(&s, &a) != TELEM_OK) return 2;
    if (telem_shm_reader_init(&rd, &s, &r) != TELEM_OK) return 3;
    while (!pinned && tries--) {
        if (telem_shm_next(&rd, &f) != TELEM_OK) break;
        if (f.slot == TELEM_I_SHM_INLINE) continue;
        pinned = telem_shm_pin(&rd, &f) == TELEM_OK;
        if (pinned && !proves(&f, f.data)) return 4;
    }
    (void)telem_shm_wait(&rd, 100000); /* arms */
    if (telem_shm_control_write(&rd, 1, 1, bytes, 20) == TELEM_ERR_CORRUPT) return 5;
    if (pinned && telem_shm_unpin(&rd, &f) != TELEM_OK) return 6;
    telem_shm_reader_deinit(&rd);
    telem_shm_detach(&s);
    return 0;
}

/* Holds what it has and waits to be killed. */
static int hold_writer(const char *called, long unused, long writers) {
    telem_shm_desc d;
    telem_shm_slot slot;
    (void)unused;
    small_desc(&d, called, (int)writers);
    if (telem_shm_create(&s, &d) != TELEM_OK) return 2;
    if (telem_shm_writer_init(&w, &s, NULL) != TELEM_OK) return 3;
    publish_some(&w, 3);
    if (telem_shm_begin(&w, MOST, &slot) != TELEM_OK) return 4;
    memset(slot.data, 0xEE, MOST); /* half written when it dies */
    publish_some(&w, 1);
    for (;;) (void)pause();
}
static int hold_reader(const char *called, long unused, long reliable) {
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_reader_desc r = TELEM_ZERO;
    telem_shm_frame f;
    (void)unused;
    a.name = called;
    r.reliable = reliable == 1;
    r.deadline = 3600000000000u;
    if (telem_shm_attach(&s, &a) != TELEM_OK) return 2;
    if (telem_shm_reader_init(&rd, &s, &r) != TELEM_OK) return 3;
    while (telem_shm_wait(&rd, 20000000000u) == TELEM_OK && telem_shm_next(&rd, &f) == TELEM_OK)
        if (f.slot != TELEM_I_SHM_INLINE && telem_shm_pin(&rd, &f) == TELEM_OK) break;
    (void)telem_shm_control_write(&rd, 42, 1, NULL, 0);
    for (;;) (void)pause();
}

/* Holds the owner's lock for a moment, as telem_shm_collect does; half of the time. */
static int look_round(const char *called, long unused, long unused_too) {
    char path[TELEM_I_SHM_PATH];
    intptr_t file;
    (void)unused, (void)unused_too;
    telem_i_shm_path(path, "/dev/shm", called, 1);
    while (telem_i_shm_open(path, TELEM_I_SHM_WRITE, &file) == TELEM_OK) {
        (void)telem_i_shm_lock(file, TELEM_I_SHM_OWNER);
        telem_i_shm_nap(1000000);
        telem_i_shm_close(file);
        telem_i_shm_nap(1000000);
    }
    return 2;
}

/* As nobody: what may it? The answer is the exit code. */
static int other_user(const char *called, long how, long unused) {
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_desc d;
    (void)unused;
    if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0) return 90;
    a.name = called;
    a.observe = how == 1;
    a.write = how == 2;
    if (how == 3) {
        small_desc(&d, called, 1);
        return -(int)telem_shm_create(&s, &d);
    }
    return -(int)telem_shm_attach(&s, &a);
}

/* Reads from descriptors that it inherited. */
static int inherited(const char *called, long data, long control) {
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_frame f;
    int got = 0;
    (void)called;
    a.backing = TELEM_SHM_MEMFD;
    a.fds[0] = (int)data, a.fds[1] = (int)control;
    if (telem_shm_attach(&s, &a) != TELEM_OK) return 2;
    if (telem_shm_reader_init(&rd, &s, NULL) != TELEM_OK) return 3;
    while (got < 20 && telem_shm_wait(&rd, 5000000000u) == TELEM_OK)
        while (telem_shm_next(&rd, &f) == TELEM_OK) {
            if (telem_shm_copy(&rd, &f, bytes, sizeof bytes) != TELEM_OK || !proves(&f, bytes)) return 4;
            got++;
        }
    if (ftruncate((int)s.file[0], 0) == 0 || ftruncate((int)s.file[1], 0) == 0) return 5; /* sealed */
    for (;;) (void)pause();
}

/* Both descriptors of a segment over a socket. */
typedef struct parcel {
    struct msghdr m;
    struct iovec io;
    char byte;
    uint64_t control[8];
} parcel;
static void wrap(parcel *p) {
    memset(p, 0, sizeof *p);
    p->io.iov_base = &p->byte, p->io.iov_len = 1;
    p->m.msg_iov = &p->io, p->m.msg_iovlen = 1;
    p->m.msg_control = p->control, p->m.msg_controllen = CMSG_SPACE(2 * sizeof(int));
}
/* Makes a segment without a name, hands it over and waits to be killed. */
static int memfd_owner(const char *called, long to, long unused) {
    telem_shm_desc d = TELEM_ZERO;
    struct cmsghdr *h;
    parcel p;
    int fds[2];
    (void)called, (void)unused;
    d.backing = TELEM_SHM_MEMFD;
    if (telem_shm_create(&s, &d) != TELEM_OK || telem_shm_writer_init(&w, &s, NULL) != TELEM_OK) return 2;
    if (telem_shm_publish(&w, 1, 1, "x", 1) != TELEM_OK || telem_shm_fds(&s, fds) != TELEM_OK) return 3;
    wrap(&p);
    h = CMSG_FIRSTHDR(&p.m);
    h->cmsg_level = SOL_SOCKET, h->cmsg_type = SCM_RIGHTS, h->cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(h), fds, sizeof fds);
    if (sendmsg((int)to, &p.m, 0) != 1) return 4;
    for (;;) (void)pause();
}

/* Publishes once somebody sleeps, and dies behind a store of that. */
static int cut_call(const char *called, long at, long unused) {
    telem_shm_desc d;
    int tries = 60000;
    (void)unused;
    small_desc(&d, called, 1);
    seen = progress_map(called);
    if (!seen) return 99;
    if (telem_shm_create(&s, &d) != TELEM_OK || telem_shm_writer_init(&w, &s, NULL) != TELEM_OK) return 2;
    TELEM_STORE64_RELEASE(&seen->at[0], (uint64_t)at); /* its init calls sleepers, too: that is over */
    while (TELEM_LOAD64_ACQUIRE(&telem_i_shm_control_of(&s)->armed) == 0 && tries--)
        telem_i_shm_nap(1000000);
    if (tries <= 0) return 3;
    kill_at = at;
    return telem_shm_publish(&w, 1, 1, "x", 1) == TELEM_OK ? 0 : 4;
}

/* Sleeps; answers how long after the first frame of a restarted owner it woke. */
static int woken(const char *called, long unused, long spin) {
    static telem_shm_reader sleeper;
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_reader_desc r = TELEM_ZERO;
    telem_shm_frame f;
    uint64_t worst = 0;
    intptr_t fd = -1;
    (void)unused;
    seen = progress_map(called);
    if (!seen) return 99;
    a.name = called;
    r.wait = (uint8_t)(spin == 1 ? TELEM_SHM_SPIN_SLEEP : TELEM_SHM_SLEEP);
    r.start = TELEM_SHM_FRESH;
    if (telem_shm_reader_open(&sleeper, &a, &r) != TELEM_OK) return 2;
    if (spin == 2 && telem_shm_reader_fd(&sleeper, &fd) != TELEM_OK) return 3;
    for (;;) {
        if (spin == 2 &&
            telem_shm_arm(&sleeper) == TELEM_EMPTY) { /* a poll loop of its own; nothing else wakes it */
            struct pollfd p;
            p.fd = (int)fd, p.events = POLLIN, p.revents = 0;
            if (poll(&p, 1, 60000) != 1) return 4;
            continue;
        }
        if (telem_shm_wait(&sleeper, 1000000000) != TELEM_OK || telem_shm_next(&sleeper, &f) != TELEM_OK ||
            f.len != 5)
            continue;
        worst = telem_i_shm_now() - (uint64_t)f.time;
        TELEM_STORE64_RELAXED(&seen->worst_wake, worst);
        (void)TELEM_FETCH_ADD64(&seen->at[0], 1);
    }
}

/* Publishes and reads where one system call more than write and exit is death. */
static int without_calls(const char *called, long frames, long payload) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_frame f;
    long i, n = 0;
    d.name = called, d.frames = 16, d.payload = (uint64_t)payload;
    a.name = called;
    if (telem_shm_create(&s, &d) != TELEM_OK || telem_shm_writer_init(&w, &s, NULL) != TELEM_OK) return 2;
    if (telem_shm_attach(&own, &a) != TELEM_OK || telem_shm_reader_init(&rd, &own, NULL) != TELEM_OK)
        return 3;
    if (prctl(PR_SET_SECCOMP, 1) != 0) return 77;
    for (i = 0; i < frames; i++) {
        if (telem_shm_publish(&w, 1, i, bytes, (uint64_t)(i % 2 ? payload : 20)) != TELEM_OK) break;
        while (telem_shm_next(&rd, &f) == TELEM_OK) n++;
    }
    (void)syscall(SYS_exit, i == frames && n == frames ? 0 : 4);
    return 5;
}

static int scenario_role(int argc, char **argv, int *code) {
    static const struct {
        const char *role;
        int (*fn)(const char *, long, long);
    } roles[] = {{"take-over", cut_take_over},    {"publish", cut_publish},
                 {"cut-reader", cut_reader},      {"hold-writer", hold_writer},
                 {"hold-reader", hold_reader},    {"other-user", other_user},
                 {"inherited", inherited},        {"woken", woken},
                 {"without-calls", without_calls}, {"memfd-owner", memfd_owner},
                 {"cut-call", cut_call},           {"look-round", look_round}};
    size_t i;
    if (argc < 5 || strcmp(argv[0], "telem-shm-child") != 0) return 0;
    if (child_role(argc, argv, code)) return 1;
    for (i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (!strcmp(argv[1], roles[i].role)) {
            *code = roles[i].fn(argv[2], atol(argv[3]), atol(argv[4]));
            return 1;
        }
    *code = 98;
    return 1;
}

/* ---- killed behind every store ---- */

static telem_result attach_reader(telem_shm *shm, telem_shm_reader *r, const char *called) {
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_result res;
    a.name = called;
    res = telem_shm_attach(shm, &a);
    if (res == TELEM_OK) res = telem_shm_reader_init(r, shm, NULL);
    return res;
}

/* Drains, proves, and returns how many frames that were. */
static int drain(telem_shm_reader *r) {
    telem_shm_frame f;
    int n = 0;
    telem_result res;
    while ((res = telem_shm_next(r, &f)) == TELEM_OK || res == TELEM_ERR_CORRUPT) {
        CHECK_OK(res);
        if (res != TELEM_OK) continue;
        res = telem_shm_copy(r, &f, bytes, sizeof bytes);
        if (res == TELEM_OK) CHECK(proves(&f, bytes));
        else CHECK_EQ_INT(res, TELEM_LAPPED);
        n++;
    }
    return n;
}

/* After each death a new owner takes over, in this process; everything must go on as if nothing was. */
static void goes_on(const char *called, int writers, telem_shm_reader *r) {
    static telem_shm again;
    static telem_shm_writer x;
    telem_shm_desc d;
    telem_shm_class_info c = TELEM_ZERO;
    uint64_t lost, voided;
    uint32_t i;
    small_desc(&d, called, writers);
    REQUIRE_OK(telem_shm_create(&again, &d));
    REQUIRE_OK(telem_shm_writer_init(&x, &again, NULL));
    (void)drain(r);
    CHECK_OK(telem_shm_class_info_get(&again, 0, &c));
    CHECK_EQ_INT(c.held, 0);
    CHECK_EQ_INT(c.pinned, 0);
    lost = r->lost, voided = r->voided;
    for (i = 0; i < 20; i++) { /* the whole ring and every slot once round, none lost */
        publish_some(&x, 1);
        CHECK_EQ_INT(drain(r), 1);
    }
    CHECK_EQ_INT(r->lost, lost);
    CHECK(r->voided <= voided + 1);
    for (i = 0; i < again.g.writers; i++) {
        telem_shm_writer_info info;
        CHECK_OK(telem_shm_writer_info_get(&again, i, &info));
        CHECK_EQ_INT(info.taken, i == x.index);
    }
    CHECK_OK(telem_shm_writer_deinit(&x));
    telem_shm_detach(&again);
}

static void killed_behind_each_store(const char *role, int writers) {
    static telem_shm seen_by;
    static telem_shm_reader r;
    long at;
    int code = 1000 + SIGKILL, died = 0;
    const char *called = named(role);
    REQUIRE(reap(spawn("take-over", called, 0, writers)) == 0);
    REQUIRE_OK(attach_reader(&seen_by, &r, called));
    for (at = 1; code == 1000 + SIGKILL && at < 5000 && !check_g.bad; at++) {
        uint64_t voided = r.voided;
        code = reap(spawn(role, called, at, writers));
        died += code == 1000 + SIGKILL;
        (void)drain(&r);
        CHECK(r.voided <= voided + 1);
        goes_on(called, writers, &r);
        if (check_g.bad) printf("  %s with %d writers, store %ld\n", role, writers, at);
    }
    CHECK_EQ_INT(code, 0);
    CHECK(died > 25);
    CHECK_EQ_INT(telem_shm_health(&r), TELEM_SHM_CLOSED); /* goes_on detached */
    telem_shm_reader_deinit(&r);
    telem_shm_detach(&seen_by);
    CHECK_EQ_INT(telem_shm_collect(NULL, called), 1);
    if (getenv("CHECK_VERBOSE")) printf("  %s: %d stores\n", role, died);
}

TEST(writer_killed_behind_any_store_of_a_publish) { killed_behind_each_store("publish", 1); }
TEST(one_of_several_writers_killed_behind_any_store_of_a_publish) { killed_behind_each_store("publish", 2); }
TEST(owner_killed_behind_any_store_of_a_take_over) { killed_behind_each_store("take-over", 1); }
TEST(one_of_several_killed_behind_any_store_of_a_take_over) { killed_behind_each_store("take-over", 2); }

TEST(creator_killed_behind_any_store_leaves_nothing_in_the_way) {
    long at;
    int code = 1000 + SIGKILL;
    const char *called = named("create");
    for (at = 1; code == 1000 + SIGKILL && at < 1000 && !check_g.bad; at++) {
        telem_shm_desc d;
        telem_shm_attach_desc a = TELEM_ZERO;
        static telem_shm fresh, guest;
        telem_result r;
        code = reap(spawn("take-over", called, at, 1)); /* there is nothing to take over: makes it */
        a.name = called;
        r = telem_shm_attach(&guest, &a);
        CHECK(r == TELEM_OK || r == TELEM_AGAIN || r == TELEM_ERR_NOT_FOUND || r == TELEM_ERR_TRUNCATED);
        if (r == TELEM_OK) telem_shm_detach(&guest);
        small_desc(&d, called, 1);
        d.keep = 0;
        REQUIRE_OK(telem_shm_create(&fresh, &d));
        REQUIRE_OK(telem_shm_writer_init(&w, &fresh, NULL));
        publish_some(&w, 3);
        REQUIRE_OK(telem_shm_attach(&guest, &a));
        telem_shm_detach(&guest);
        CHECK_OK(telem_shm_writer_deinit(&w));
        telem_shm_detach(&fresh);
        CHECK_EQ_INT(telem_shm_list(NULL, called, NULL, NULL), 0);
    }
    CHECK_EQ_INT(code, 0);
    CHECK(at > 20);
}

static void reader_killed_behind_each_store(long manner) {
    telem_shm_desc d;
    telem_shm_writer_desc wd = TELEM_ZERO;
    static telem_shm mine;
    static telem_shm_writer x;
    long at;
    int code = 1000 + SIGKILL;
    const char *called = named("readers");
    small_desc(&d, called, 1);
    wd.patience = FOR_LONG;
    REQUIRE_OK(telem_shm_create(&mine, &d));
    REQUIRE_OK(telem_shm_writer_init(&x, &mine, &wd));
    for (at = 1; code == 1000 + SIGKILL && at < 1000 && !check_g.bad; at++) {
        telem_shm_class_info c = TELEM_ZERO;
        uint64_t start;
        publish_some(&x, 8);
        code = reap(spawn("cut-reader", called, at, manner));
        start = telem_i_shm_now();
        publish_some(&x, 20); /* neither its pins nor its gate are in the way */
        CHECK(telem_i_shm_now() - start < FOR_LONG / 2); /* its deadline was not waited for */
        CHECK_OK(telem_shm_beat(&x));
        CHECK_OK(telem_shm_class_info_get(&mine, 0, &c));
        CHECK_EQ_INT(c.pinned, 0);
        CHECK_EQ_INT(TELEM_LOAD64_RELAXED(&telem_i_shm_control_of(&mine)->gates), 0);
        CHECK_EQ_INT(TELEM_LOAD64_RELAXED(&telem_i_shm_control_of(&mine)->armed), 0);
        if (check_g.bad) printf("  manner %ld, store %ld\n", manner, at);
    }
    CHECK_EQ_INT(code, 0);
    CHECK(at > 20);
    CHECK_OK(telem_shm_writer_deinit(&x));
    telem_shm_detach(&mine);
    (void)telem_shm_unlink(NULL, called);
}
TEST(reader_killed_behind_any_store_of_attach_and_pin) { reader_killed_behind_each_store(0); }
TEST(reliable_reader_killed_behind_any_store) { reader_killed_behind_each_store(1); }

/* ---- deaths that are noticed ---- */

TEST(dead_writer_is_told_and_its_slot_returns) {
    static telem_shm seen_by;
    static telem_shm_reader r;
    telem_shm_frame f;
    const char *called = named("dead");
    pid_t child = spawn("hold-writer", called, 0, 1);
    int tries = 60000, n = 0;
    while (attach_reader(&seen_by, &r, called) != TELEM_OK && tries--) telem_i_shm_nap(5000000);
    REQUIRE(tries > 0);
    while (n < 4 && telem_shm_wait(&r, 5000000000u) == TELEM_OK)
        while (telem_shm_next(&r, &f) == TELEM_OK) n++;
    CHECK_EQ_INT(n, 4);
    CHECK_EQ_INT(telem_shm_health(&r), TELEM_SHM_ALIVE);
    CHECK_EQ_INT(kill(child, SIGSTOP), 0); /* stopped is not dead */
    CHECK_EQ_INT(telem_shm_health(&r), TELEM_SHM_ALIVE);
    CHECK_EQ_INT(kill(child, SIGKILL), 0);
    CHECK_EQ_INT(reap(child), 1000 + SIGKILL);
    CHECK_EQ_INT(telem_shm_health(&r), TELEM_SHM_DEAD);
    CHECK_EQ_INT(telem_shm_next(&r, &f), TELEM_EMPTY);
    goes_on(called, 1, &r);
    telem_shm_reader_deinit(&r);
    telem_shm_detach(&seen_by);
    CHECK_EQ_INT(telem_shm_collect(NULL, called), 1);
}

static void reader_dies_holding(long reliable) {
    telem_shm_desc d;
    static telem_shm mine;
    static telem_shm_writer x;
    telem_shm_writer_desc wd = TELEM_ZERO;
    telem_shm_message m;
    const char *called = named("holding");
    pid_t child;
    uint64_t start;
    int tries = 60000;
    small_desc(&d, called, 1);
    wd.patience = 3600000000000u;
    REQUIRE_OK(telem_shm_create(&mine, &d));
    REQUIRE_OK(telem_shm_writer_init(&x, &mine, &wd));
    publish_some(&x, 6);
    child = spawn("hold-reader", called, 0, reliable);
    while (telem_shm_control_read(&x, &m, bytes, sizeof bytes) != TELEM_OK && tries--)
        telem_i_shm_nap(2000000);
    CHECK_EQ_INT(m.type, 42);
    CHECK_EQ_INT(kill(child, SIGKILL), 0);
    CHECK_EQ_INT(reap(child), 1000 + SIGKILL);
    start = telem_i_shm_now();
    publish_some(&x, 40); /* a dead reader's gate is found out, whatever its deadline */
    CHECK(telem_i_shm_now() - start < FOR_LONG);
    CHECK_OK(telem_shm_writer_deinit(&x));
    telem_shm_detach(&mine);
    (void)telem_shm_unlink(NULL, called);
}
TEST(dead_reader_holds_no_pin) { reader_dies_holding(0); }
TEST(dead_reliable_reader_holds_up_nobody) { reader_dies_holding(1); }

TEST(killed_at_random_nobody_sees_a_torn_frame_and_nothing_leaks) {
    uint64_t seed = check_seed(), kills = check_quick() ? 60 : 500, n;
    n = kill_loop(1, 30, kills, seed);
    CHECK_EQ_INT(n, kills);
    n = kill_loop(3, 30, kills, seed + 1);
    CHECK_EQ_INT(n, kills);
}

static int by_u64(const void *a, const void *b) {
    uint64_t x, y;
    memcpy(&x, a, 8), memcpy(&y, b, 8);
    return (x > y) - (x < y);
}
/* How long after the first frame of a restarted owner a waiting reader has it. replaced: the new owner
   makes a new segment, else it takes the old one over. */
static void owner_restarts(const char *called, long how, int replaced) {
    telem_shm_desc d;
    pid_t child;
    uint64_t late[40], i, j;
    small_desc(&d, called, 1);
    seen = progress_map(called);
    REQUIRE(seen != NULL);
    TELEM_STORE64_RELAXED(&seen->at[0], 0);
    REQUIRE(reap(spawn("take-over", called, 0, 1)) == 0);
    child = spawn("woken", called, 0, how);
    telem_i_shm_nap(100000000);
    for (i = 0; i < 40; i++) {
        int tries = 60000;
        telem_i_shm_nap(3000000); /* it sleeps */
        (void)reap(spawn("take-over", called, 60 + (long)i, 1)); /* an owner that dies early */
        if (replaced) d.frames = i % 2 ? 8 : 16;
        REQUIRE_OK(telem_shm_create(&s, &d));
        REQUIRE_OK(telem_shm_writer_init(&w, &s, NULL));
        if (!replaced) telem_i_shm_nap(2000000);
        j = TELEM_LOAD64_RELAXED(&seen->at[0]);
        CHECK_OK(telem_shm_publish(&w, 1, TELEM_SHM_NOW, "hello", 5));
        while (TELEM_LOAD64_RELAXED(&seen->at[0]) == j && tries--) telem_i_shm_nap(1000000);
        CHECK(tries > 0);
        late[i] = TELEM_LOAD64_RELAXED(&seen->worst_wake);
        CHECK_OK(telem_shm_writer_deinit(&w));
        telem_shm_detach(&s);
    }
    (void)kill(child, SIGKILL);
    CHECK_EQ_INT(reap(child), 1000 + SIGKILL);
    qsort(late, 40, sizeof late[0], by_u64);
    if (getenv("CHECK_VERBOSE"))
        printf("  %s, first frame behind a restart: median %.0f us, worst %.0f\n",
               replaced ? "re-attached" : "taken over", (double)late[20] / 1e3, (double)late[39] / 1e3);
    CHECK(late[0] < 1000000);   /* the best: this machine may be busy */
    CHECK(late[20] < 20000000); /* a lost wake-up would cost 50 ms */
    progress_drop(called);
    CHECK_EQ_INT(telem_shm_collect(NULL, called), 1);
}
TEST(sleeping_reader_goes_on_with_a_restarted_owner_within_a_millisecond) {
    owner_restarts(named("restart"), 0, 0);
}
TEST(sleeping_reader_attaches_to_a_new_segment_within_a_millisecond) { owner_restarts(named("again"), 0, 1); }

TEST(reader_in_a_poll_loop_is_woken_by_another_process) {
    telem_shm_desc d;
    const char *called = named("poll");
    pid_t child;
    uint64_t i, late[40];
    small_desc(&d, called, 1);
    d.keep = 0;
    seen = progress_map(called);
    REQUIRE(seen != NULL);
    TELEM_STORE64_RELAXED(&seen->at[0], 0);
    REQUIRE_OK(telem_shm_create(&s, &d));
    REQUIRE_OK(telem_shm_writer_init(&w, &s, NULL));
    child = spawn("woken", called, 0, 2);
    telem_i_shm_nap(100000000);
    for (i = 0; i < 40; i++) {
        int tries = 60000;
        CHECK_OK(telem_shm_publish(&w, 1, TELEM_SHM_NOW, "hello", 5));
        while (TELEM_LOAD64_RELAXED(&seen->at[0]) == i && tries--) telem_i_shm_nap(1000000);
        REQUIRE(TELEM_LOAD64_RELAXED(&seen->at[0]) == i + 1);
        late[i] = TELEM_LOAD64_RELAXED(&seen->worst_wake);
    }
    (void)kill(child, SIGKILL);
    CHECK_EQ_INT(reap(child), 1000 + SIGKILL);
    qsort(late, 40, sizeof late[0], by_u64);
    if (getenv("CHECK_VERBOSE"))
        printf("  woken by a datagram in %.0f us (median)\n", (double)late[20] / 1e3);
    CHECK(late[20] < 20000000);
    CHECK_OK(telem_shm_writer_deinit(&w));
    telem_shm_detach(&s);
    progress_drop(called);
}

/* A writer disarms whom it is going to call: should it die in between, the next one calls. */
TEST(sleeper_is_called_though_who_was_to_call_it_died) {
    telem_shm_attach_desc a = TELEM_ZERO;
    static telem_shm_reader sleeper;
    const char *called = named("call");
    int code = 1000 + SIGKILL, died = 0;
    long at;
    a.name = called;
    seen = progress_map(called);
    REQUIRE(seen != NULL);
    for (at = 1; code == 1000 + SIGKILL && at < 200 && !check_g.bad; at++) {
        telem_shm_desc d;
        struct pollfd p;
        intptr_t fd = -1;
        int tries = 60000;
        pid_t child = spawn("cut-call", called, at, 0);
        while (TELEM_LOAD64_ACQUIRE(&seen->at[0]) != (uint64_t)at && tries--) telem_i_shm_nap(1000000);
        REQUIRE(tries > 0);
        REQUIRE_OK(telem_shm_reader_open(&sleeper, &a, NULL));
        REQUIRE_OK(telem_shm_reader_fd(&sleeper, &fd));
        CHECK_EQ_INT(telem_shm_arm(&sleeper), TELEM_EMPTY);
        code = reap(child);
        died += code == 1000 + SIGKILL;
        small_desc(&d, called, 1);
        REQUIRE_OK(telem_shm_create(&s, &d));
        REQUIRE_OK(telem_shm_writer_init(&w, &s, NULL));
        CHECK_OK(telem_shm_publish(&w, 1, 2, "y", 1));
        p.fd = (int)fd, p.events = POLLIN, p.revents = 0;
        CHECK_EQ_INT(poll(&p, 1, 3000), 1);
        telem_shm_reader_close(&sleeper);
        CHECK_OK(telem_shm_writer_deinit(&w));
        telem_shm_detach(&s);
        CHECK_OK(telem_shm_unlink(NULL, called));
        if (check_g.bad) printf("  store %ld\n", at);
    }
    CHECK_EQ_INT(code, 0);
    CHECK(died >= 5);
    progress_drop(called);
}

TEST(publishing_and_reading_make_no_system_call) {
    const char *called = named("calls");
    int payload;
    for (payload = 40; payload < (int)MOST; payload += 1400) {
        int code = reap(spawn("without-calls", called, 100000, payload));
        (void)telem_shm_unlink(NULL, called);
        if (code == 77) SKIP("no seccomp");
        CHECK_EQ_INT(code, 0); /* 1009: a system call was made */
    }
}

/* ---- who lives is told by the kernel, not by a pid ---- */

static int64_t wait_for_reader(telem_shm *shm, uint32_t alive) {
    telem_shm_reader_info info;
    int tries = 60000;
    do {
        CHECK_OK(telem_shm_reader_info_get(shm, 0, &info));
        if (info.alive == alive) return info.pid;
        telem_i_shm_nap(1000000);
    } while (tries--);
    CHECK_EQ_INT(info.alive, alive);
    return -1;
}
TEST(recycled_pid_is_not_taken_for_a_living_process) {
    telem_shm_desc d;
    telem_shm_class_info c;
    telem_shm_writer_info wi;
    const char *called = named("recycled");
    pid_t child;
    small_desc(&d, called, 2);
    REQUIRE_OK(telem_shm_create(&s, &d));
    REQUIRE_OK(telem_shm_writer_init(&w, &s, NULL));
    publish_some(&w, 6);
    child = spawn("hold-reader", called, 0, 0);
    CHECK_EQ_INT(wait_for_reader(&s, 1), child);
    (void)kill(child, SIGKILL);
    CHECK_EQ_INT(reap(child), 1000 + SIGKILL);
    TELEM_STORE32_RELAXED(&telem_i_shm_reader_at(&s, 0)->pid,
                          (uint32_t)getpid()); /* somebody lives who has its pid */
    (void)wait_for_reader(&s, 0);
    CHECK_OK(telem_shm_beat(&w));
    CHECK_OK(telem_shm_class_info_get(&s, 0, &c));
    CHECK_EQ_INT(c.pinned, 0);
    CHECK_OK(
        telem_shm_writer_deinit(&w)); /* the same of a writer: its entry says taken, pid of a living one */
    TELEM_STORE32_RELAXED(&telem_i_shm_writer_at(&s, 1)->state, 7);
    TELEM_STORE32_RELAXED(&telem_i_shm_writer_at(&s, 1)->pid, (uint32_t)getppid());
    CHECK_OK(telem_shm_writer_info_get(&s, 1, &wi));
    CHECK(wi.taken && !wi.alive);
    telem_shm_detach(&s);
    (void)telem_shm_unlink(NULL, called);
}

TEST(reader_in_another_pid_namespace_lives_and_dies_like_any) {
    telem_shm_desc d;
    const char *called = named("namespace");
    pid_t outer;
    int status;
    small_desc(&d, called, 1);
    REQUIRE_OK(telem_shm_create(&s, &d));
    REQUIRE_OK(telem_shm_writer_init(&w, &s, NULL));
    publish_some(&w, 6);
    fflush(stdout);
    outer = fork();
    if (outer == 0) {
        pid_t inner;
        if (unshare(CLONE_NEWPID) != 0) _exit(77);
        inner = fork(); /* pid 1 over there */
        if (inner == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            execl("/proc/self/exe", "telem-shm-child", "hold-reader", called, "0", "0", (char *)NULL);
            _exit(127);
        }
        while (waitpid(inner, &status, 0) < 0 && errno == EINTR) {
        }
        _exit(1);
    }
    telem_i_shm_nap(50000000);
    if (waitpid(outer, &status, WNOHANG) == outer) {
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 77);
        CHECK_OK(telem_shm_writer_deinit(&w));
        telem_shm_detach(&s);
        (void)telem_shm_unlink(NULL, called);
        SKIP("may not unshare");
    }
    CHECK_EQ_INT(wait_for_reader(&s, 1), 1); /* a pid that is somebody else's here */
    publish_some(&w, 40);
    CHECK_OK(telem_shm_beat(&w));
    CHECK_EQ_INT(wait_for_reader(&s, 1), 1); /* still alive behind a sweep */
    (void)kill(outer, SIGKILL);
    (void)reap(outer);
    CHECK_EQ_INT(wait_for_reader(&s, 0), 1);
    CHECK_OK(telem_shm_beat(&w));
    CHECK_EQ_INT(TELEM_LOAD32_RELAXED(&telem_i_shm_reader_at(&s, 0)->state) & 1u, 0); /* swept */
    CHECK_OK(telem_shm_writer_deinit(&w));
    telem_shm_detach(&s);
    (void)telem_shm_unlink(NULL, called);
}

/* ---- rights, space, descriptors ---- */

TEST(another_user_gets_a_clear_answer) {
    telem_shm_desc d;
    const char *called = named("rights");
    static telem_shm mine;
    if (geteuid() != 0) SKIP("not root");
    small_desc(&d, called, 1);
    d.keep = 0;
    REQUIRE_OK(telem_shm_create(&mine, &d));
    CHECK_EQ_INT(reap(spawn("other-user", called, 0, 0)), -TELEM_ERR_ACCESS);
    CHECK_EQ_INT(reap(spawn("other-user", called, 1, 0)), -TELEM_ERR_ACCESS);
    CHECK_EQ_INT(reap(spawn("other-user", called, 3, 0)), -TELEM_ERR_ACCESS);
    telem_shm_detach(&mine);
    d.mode = 0644; /* others may observe */
    REQUIRE_OK(telem_shm_create(&mine, &d));
    CHECK_EQ_INT(reap(spawn("other-user", called, 0, 0)), -TELEM_ERR_ACCESS);
    CHECK_EQ_INT(reap(spawn("other-user", called, 1, 0)), TELEM_OK);
    telem_shm_detach(&mine);
    d.mode = 0666; /* others may read, and register: control is writable, data is not */
    REQUIRE_OK(telem_shm_create(&mine, &d));
    CHECK_EQ_INT(reap(spawn("other-user", called, 0, 0)), TELEM_OK);
    CHECK_EQ_INT(reap(spawn("other-user", called, 2, 0)), -TELEM_ERR_ACCESS);
    telem_shm_detach(&mine);
    d.others_write = 1;
    REQUIRE_OK(telem_shm_create(&mine, &d));
    CHECK_EQ_INT(reap(spawn("other-user", called, 2, 0)), TELEM_OK);
    telem_shm_detach(&mine);
    d.mode = 0660, d.others_write = 0, d.group = 65534; /* a group */
    REQUIRE_OK(telem_shm_create(&mine, &d));
    CHECK_EQ_INT(reap(spawn("other-user", called, 0, 0)), TELEM_OK);
    CHECK_EQ_INT(reap(spawn("other-user", called, 2, 0)), -TELEM_ERR_ACCESS);
    telem_shm_detach(&mine);
}

TEST(full_memory_is_an_error_at_create) {
    telem_shm_desc d = TELEM_ZERO;
    const char *called = named("full");
    d.name = called;
    d.frames = 2;
    d.classes[0].bytes = (uint64_t)1 << 40, d.classes[0].count = 3;
    CHECK_EQ_INT(telem_shm_create(&s, &d), TELEM_ERR_SPACE);
    CHECK_EQ_INT(telem_shm_list(NULL, called, NULL, NULL), 0); /* and nothing stays */
}
TEST(full_file_system_is_an_error_at_create) {
    telem_shm_desc d = TELEM_ZERO;
    char dir[64];
    snprintf(dir, sizeof dir, "/tmp/telem-full-%d", (int)getpid());
    if (mkdir(dir, 0700) != 0) SKIP("no directory");
    if (mount("tmpfs", dir, "tmpfs", 0, "size=64k") != 0) {
        (void)rmdir(dir);
        SKIP("may not mount");
    }
    d.name = named("full"), d.dir = dir, d.payload = 1000;
    CHECK_EQ_INT(telem_shm_create(&s, &d), TELEM_ERR_SPACE);
    CHECK_EQ_INT(telem_shm_list(dir, NULL, NULL, NULL), 0);
    d.payload = 100;
    CHECK_OK(telem_shm_create(&s, &d));
    CHECK_EQ_INT(telem_shm_list(dir, NULL, NULL, NULL), 1);
    telem_shm_detach(&s);
    CHECK_EQ_INT(umount(dir), 0);
    (void)rmdir(dir);
}

TEST(sealed_memfd_is_read_by_another_process) {
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    static telem_shm other;
    int fds[2], i, k, tries = 60000;
    telem_shm_reader_info info = TELEM_ZERO;
    pid_t child;
    d.backing = TELEM_SHM_MEMFD, d.sealed = 1, d.frames = 32, d.payload = MOST;
    REQUIRE_OK(telem_shm_create(&s, &d));
    REQUIRE_OK(telem_shm_writer_init(&w, &s, NULL));
    REQUIRE_OK(telem_shm_fds(&s, fds));
    for (i = 0; i < 2; i++) {
        k = dup(fds[i]); /* not close-on-exec */
        REQUIRE(k >= 0);
        fds[i] = k;
    }
    child = spawn("inherited", "memfd", fds[0], fds[1]);
    publish_some(&w, 10);
    while (tries-- && info.delivered < 20) {
        telem_i_shm_nap(2000000);
        CHECK_OK(telem_shm_reader_info_get(&s, 0, &info));
        if (info.delivered >= 10) publish_some(&w, 1);
    }
    CHECK(info.taken && info.alive &&
          info.delivered >= 20); /* its lock is its own, though the descriptor came from us */
    (void)kill(child, SIGKILL);
    CHECK_EQ_INT(reap(child), 1000 + SIGKILL);
    CHECK_OK(telem_shm_reader_info_get(&s, 0, &info));
    CHECK(!info.alive);
    a.backing = TELEM_SHM_MEMFD, a.fds[0] = fds[0], a.fds[1] = fds[1], a.write = 1;
    CHECK(telem_shm_attach(&other, &a) != TELEM_OK); /* nobody else can write */
    CHECK_OK(telem_shm_writer_deinit(&w));
    telem_shm_detach(&s);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

TEST(death_of_a_memfd_owner_is_seen_by_who_holds_its_descriptors) {
    telem_shm_attach_desc a = TELEM_ZERO;
    static telem_shm_reader guest;
    telem_shm_segment info;
    telem_shm_frame f;
    parcel p;
    pid_t child;
    int pair[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    child = spawn("memfd-owner", "-", pair[0], 0);
    (void)close(pair[0]);
    wrap(&p);
    REQUIRE(recvmsg(pair[1], &p.m, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&p.m) != NULL);
    a.backing = TELEM_SHM_MEMFD;
    memcpy(a.fds, CMSG_DATA(CMSG_FIRSTHDR(&p.m)), sizeof a.fds);
    REQUIRE_OK(telem_shm_reader_open(&guest, &a, NULL));
    CHECK_OK(telem_shm_next(&guest, &f));
    CHECK_EQ_INT(telem_shm_health(&guest), TELEM_SHM_ALIVE);
    CHECK_OK(telem_shm_info(telem_shm_reader_segment(&guest), &info));
    CHECK_EQ_INT(info.owner_alive, 1);
    (void)kill(child, SIGKILL);
    CHECK_EQ_INT(reap(child), 1000 + SIGKILL);
    CHECK_EQ_INT(telem_shm_health(&guest), TELEM_SHM_DEAD);
    CHECK_OK(telem_shm_info(telem_shm_reader_segment(&guest), &info));
    CHECK_EQ_INT(info.owner_alive, 0);
    telem_shm_reader_close(&guest);
    (void)close(a.fds[0]);
    (void)close(a.fds[1]);
    (void)close(pair[1]);
}

/* Who collects holds the owner's lock for a moment; that is not an owner who lives. */
TEST(segment_is_made_while_somebody_collects) {
    telem_shm_desc d;
    const char *called = named("collected");
    pid_t child;
    int i, refused = 0;
    small_desc(&d, called, 1);
    REQUIRE_OK(telem_shm_create(&s, &d));
    telem_shm_detach(&s);
    child = spawn("look-round", called, 0, 0);
    telem_i_shm_nap(50000000);
    for (i = 0; i < 100; i++) {
        telem_result r = telem_shm_create(&s, &d);
        if (r == TELEM_OK) telem_shm_detach(&s);
        else CHECK_EQ_INT(r, TELEM_ERR_EXISTS), refused++;
        telem_i_shm_nap(700000);
    }
    CHECK(refused <= 15); /* none, but the child may have to wait for a core while it holds the lock */
    (void)kill(child, SIGKILL);
    CHECK_EQ_INT(reap(child), 1000 + SIGKILL);
    CHECK_OK(telem_shm_unlink(NULL, called));
}

/* Nobody plants a segment for another: it would be his to read, to change and to shrink. */
TEST(segment_of_another_user_is_not_taken_over) {
    telem_shm_desc d;
    const char *called = named("planted");
    if (geteuid() != 0) SKIP("not root");
    CHECK_EQ_INT(reap(spawn("other-user", called, 3, 0)), TELEM_OK); /* makes and keeps it */
    small_desc(&d, called, 1);
    CHECK_EQ_INT(telem_shm_create(&s, &d), TELEM_ERR_ACCESS);
    CHECK_EQ_INT(telem_shm_collect(NULL, called), 1);
    REQUIRE_OK(telem_shm_create(&s, &d));
    telem_shm_detach(&s);
    CHECK_OK(telem_shm_unlink(NULL, called));
}

TEST(huge_pages_are_used_where_they_are) {
    int backing;
    for (backing = TELEM_SHM_FILES; backing <= (int)TELEM_SHM_MEMFD; backing++) {
        telem_shm_desc d = TELEM_ZERO;
        telem_shm_frame f;
        telem_result r;
        d.backing = (uint8_t)backing, d.huge = 1, d.name = named("huge"), d.payload = 100000, d.frames = 16;
        r = telem_shm_create(&s, &d);
        if (backing == (int)TELEM_SHM_MEMFD && r != TELEM_OK) { /* none are set aside: told at create */
            CHECK(r == TELEM_ERR_SPACE || r == TELEM_ERR_UNSUPPORTED);
            SKIP("no huge pages are set aside for memfd");
        }
        REQUIRE_OK(r);
        CHECK(backing == (int)TELEM_SHM_FILES || s.mapped[0] % (2u << 20) == 0);
        REQUIRE_OK(telem_shm_writer_init(&w, &s, NULL));
        REQUIRE_OK(telem_shm_reader_init(&rd, &s, NULL));
        publish_some(&w, 40);
        CHECK_OK(telem_shm_next(&rd, &f));
        telem_shm_reader_deinit(&rd);
        CHECK_OK(telem_shm_writer_deinit(&w));
        telem_shm_detach(&s);
    }
}

int main(int argc, char **argv) {
    int code = 0;
    if (scenario_role(argc, argv, &code)) return code;
    RUN(writer_killed_behind_any_store_of_a_publish);
    RUN(one_of_several_writers_killed_behind_any_store_of_a_publish);
    RUN(owner_killed_behind_any_store_of_a_take_over);
    RUN(one_of_several_killed_behind_any_store_of_a_take_over);
    RUN(creator_killed_behind_any_store_leaves_nothing_in_the_way);
    RUN(reader_killed_behind_any_store_of_attach_and_pin);
    RUN(reliable_reader_killed_behind_any_store);
    RUN(dead_writer_is_told_and_its_slot_returns);
    RUN(dead_reader_holds_no_pin);
    RUN(dead_reliable_reader_holds_up_nobody);
    RUN(killed_at_random_nobody_sees_a_torn_frame_and_nothing_leaks);
    RUN(sleeping_reader_goes_on_with_a_restarted_owner_within_a_millisecond);
    RUN(sleeping_reader_attaches_to_a_new_segment_within_a_millisecond);
    RUN(reader_in_a_poll_loop_is_woken_by_another_process);
    RUN(sleeper_is_called_though_who_was_to_call_it_died);
    RUN(publishing_and_reading_make_no_system_call);
    RUN(recycled_pid_is_not_taken_for_a_living_process);
    RUN(reader_in_another_pid_namespace_lives_and_dies_like_any);
    RUN(another_user_gets_a_clear_answer);
    RUN(full_memory_is_an_error_at_create);
    RUN(full_file_system_is_an_error_at_create);
    RUN(sealed_memfd_is_read_by_another_process);
    RUN(death_of_a_memfd_owner_is_seen_by_who_holds_its_descriptors);
    RUN(segment_is_made_while_somebody_collects);
    RUN(segment_of_another_user_is_not_taken_over);
    RUN(huge_pages_are_used_where_they_are);
    return CHECK_MAIN_END();
}
