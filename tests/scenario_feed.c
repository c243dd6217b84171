/* scenario_feed.c - feeds in directories of the system, between started processes: a follower goes through many
   rotations while older files are removed, writers are killed at any time and in front of each step of a rotation,
   readers are killed, a second writer is refused. Files in memory, and the rest: test_feed.c.  UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#if !defined(TEST_LINKED)
#define TELEM_IMPLEMENTATION
#endif
#include "telem_file.h"
#include "check.h"
#if defined(_WIN32)
#include <windows.h>
#include <direct.h>
#include <process.h>
#define getpid _getpid
#define rmdir _rmdir
#else
#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include <sys/wait.h>
#endif

enum { KILLED = 1000, REFUSED = 9 };

#define ROW_TABLE(F) F(FIELD, u64, n, "", "the row's number") F(FIELD, u32, noise, "", "follows from it")
TELEM_DEFINE(Row, ROW_TABLE, "a row that proves itself");

static char path[200];
static const char *in_dir(const char *what) {
    const char *build = getenv("BUILD");
    snprintf(path, sizeof path, "%s/feeds-%ld-%s", build && *build ? build : ".", (long)getpid(), what);
    return path;
}

/* ---- processes ---- */

#if defined(_WIN32)
typedef HANDLE process;
static int spawn(process *p, const char *role, const char *where, long a, long b) {
    char self[MAX_PATH], line[MAX_PATH + 400];
    STARTUPINFOA si;
    PROCESS_INFORMATION pi;
    memset(&si, 0, sizeof si);
    si.cb = sizeof si;
    if (!GetModuleFileNameA(NULL, self, sizeof self)) return 0;
    snprintf(line, sizeof line, "\"%s\" role %s %s %ld %ld", self, role, where, a, b);
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
static int running(process p) { return WaitForSingleObject(p, 0) == WAIT_TIMEOUT; }
static void nap(void) { Sleep(1); }
#else
typedef pid_t process;
static int spawn(process *p, const char *role, const char *where, long a, long b) {
    char number[2][24];
    snprintf(number[0], sizeof number[0], "%ld", a);
    snprintf(number[1], sizeof number[1], "%ld", b);
    *p = fork();
    if (*p == 0) {
        execl("/proc/self/exe", "scenario", "role", role, where, number[0], number[1], (char *)NULL);
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
static int running(process p) { /* without taking its outcome */
    siginfo_t si;
    memset(&si, 0, sizeof si);
    return waitid(P_PID, (id_t)p, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid == 0;
}
static void nap(void) {
    struct timespec t = {0, 1000000};
    (void)nanosleep(&t, NULL);
}
#endif

static int can_spawn(void) { /* an emulator may not start its own program again */
    process p;
    return spawn(&p, "nothing", "x", 0, 0) && outcome(p) == 7;
}

/* ---- a directory whose steps are counted; in front of one the process ends ---- */

static long cut_at;
static void cut_here(void) {
    if (cut_at > 0 && --cut_at == 0) end_myself();
}
static telem_dir real;
static telem_io inner[8];
static int64_t cut_write(void *user, const void *p, size_t n) {
    telem_io *io = (telem_io *)user;
    if (cut_at == 1 && n > 1) (void)io->write(io->user, p, n / 2); /* in its middle */
    cut_here();
    return io->write(io->user, p, n);
}
static int64_t cut_read(void *user, void *p, size_t n) { return ((telem_io *)user)->read(((telem_io *)user)->user, p, n); }
static telem_result cut_seek(void *user, uint64_t at) { return ((telem_io *)user)->seek(((telem_io *)user)->user, at); }
static int64_t cut_size(void *user) { return ((telem_io *)user)->size(((telem_io *)user)->user); }
static void *cut_map(void *user, uint64_t at, size_t n, int writable) { return ((telem_io *)user)->map(((telem_io *)user)->user, at, n, writable); }
static telem_result cut_unmap(void *user, void *p, size_t n) { return ((telem_io *)user)->unmap(((telem_io *)user)->user, p, n); }
static telem_result cut_allocate(void *user, uint64_t at, uint64_t n) {
    cut_here();
    return ((telem_io *)user)->allocate(((telem_io *)user)->user, at, n);
}
static telem_result cut_truncate(void *user, uint64_t n) { return ((telem_io *)user)->truncate(((telem_io *)user)->user, n); }
static telem_result cut_lock(void *user, int on) { return ((telem_io *)user)->lock(((telem_io *)user)->user, on); }
static telem_result cut_open(void *user, const char *name, int how, telem_io *io) {
    telem_result r;
    int i;
    if (how != TELEM_DIR_READ) cut_here();
    r = real.open(user, name, how, io);
    if (r != TELEM_OK || how == TELEM_DIR_READ) return r;
    for (i = 0; i < 8 && inner[i].read; i++) {
    }
    if (i == 8) return TELEM_ERR_LIMIT;
    inner[i] = *io;
    memset(io, 0, sizeof *io);
    io->user = &inner[i];
    io->write = cut_write;
    io->read = cut_read;
    io->seek = cut_seek;
    io->size = cut_size;
    if (inner[i].map) io->map = cut_map, io->unmap = cut_unmap;
    if (inner[i].allocate) io->allocate = cut_allocate;
    if (inner[i].truncate) io->truncate = cut_truncate;
    if (inner[i].lock) io->lock = cut_lock;
    return TELEM_OK;
}
static telem_result cut_close(void *user, telem_io *io) {
    telem_io *k = (telem_io *)io->user;
    telem_io copy;
    if (k < inner || k >= inner + 8) return real.close(user, io);
    copy = *k;
    memset(k, 0, sizeof *k);
    return real.close(user, &copy);
}
static telem_result cut_rename(void *user, const char *a, const char *b) {
    cut_here();
    return real.rename(user, a, b);
}
static telem_result cut_remove(void *user, const char *a) {
    cut_here();
    return real.remove(user, a);
}
static telem_dir cut_dir(const char *where) {
    telem_dir d = real = telem_dir_system(where);
    d.open = cut_open;
    d.close = cut_close;
    d.rename = cut_rename;
    d.remove = cut_remove;
    return d;
}

/* ---- writers and readers ---- */

static uint64_t memory[1 << 17], reader_memory[1 << 17];
static telem_feed_writer w;
static telem_feed_reader rd;
static telem_dir dir;

static int with_journal;
static telem_result open_writer(const char *where, const char *name, int keep_unread) {
    static telem_feed_writer_desc d;
    static telem_file_stream_desc s;
    memset(&d, 0, sizeof d);
    memset(&s, 0, sizeof s);
    dir = cut_dir(where);
    d.dir = &dir;
    d.name = name;
    d.file.memory = memory;
    d.file.memory_size = sizeof memory;
    d.file.coding = TELEM_FILE_ROWS;
    d.file.max_block = 8192;
    d.file.block_bytes = 1024;
    d.file.max_row = 64;
    d.file.max_streams = 4;
    d.rotate_bytes = 8000;
    if (with_journal) {
        d.file.journal = 1;
        d.file.journal_slots = 4;
        d.file.journal_slot_bytes = 4096;
        d.rotate_bytes = 60000; /* the zone counts */
    }
    d.keep_files = 3;
    d.keep_unread = (uint8_t)keep_unread;
    s.id = 1;
    s.name = "rows";
    s.schema = &Row_schema;
    d.streams = &s;
    d.stream_count = 1;
    return telem_feed_open(&w, &d);
}

static uint64_t next_row(void) { return telem_file_next_row(&w.w, 1); }

static telem_result put(uint64_t n) {
    Row r;
    memset(&r, 0, sizeof r);
    r.n = n;
    r.noise = (uint32_t)((n + 1) * 2654435761u) ^ (uint32_t)(n >> 3);
    return telem_feed_write(&w, 1, (int64_t)n, &r);
}

static uint64_t hours(void *user) { /* so that each look is a look for a later file */
    static uint64_t t;
    (void)user;
    return t += 3600000000000u;
}

static telem_result open_reader(const char *where, const char *name) {
    telem_feed_reader_desc d = TELEM_ZERO;
    static telem_dir plain;
    static telem_clock clock;
    clock.read = hours;
    plain = telem_dir_system(where);
    d.clock = &clock;
    d.dir = &plain;
    d.name = name;
    d.memory = reader_memory;
    d.memory_size = sizeof reader_memory;
    d.follow = 1;
    return telem_feed_reader_open(&rd, &d);
}

static struct {
    uint64_t first, next, rows, missing;
    int started, bad, damage;
    uint32_t number;
} seen;

/* What there is now. `acknowledge`: each file when it is left. */
static void read_on(const telem_dir *acknowledge) {
    telem_file_item item;
    while (telem_feed_next(&rd, &item) == TELEM_OK) {
        if (acknowledge && telem_feed_reader_number(&rd) != seen.number && seen.number)
            (void)telem_feed_acknowledge(acknowledge, "log", telem_feed_reader_number(&rd) - 1u);
        seen.number = telem_feed_reader_number(&rd);
        if (item.kind == TELEM_ITEM_DAMAGE) seen.damage++;
        if (item.kind == TELEM_ITEM_ROW || item.kind == TELEM_ITEM_MISSING) {
            if (seen.started && item.row != seen.next) seen.bad++;
            if (!seen.started) seen.first = item.row;
            seen.started = 1;
            seen.next = item.row + (item.kind == TELEM_ITEM_ROW ? 1 : item.count);
        }
        if (item.kind == TELEM_ITEM_MISSING) seen.missing += item.count;
        if (item.kind == TELEM_ITEM_ROW) {
            Row r;
            seen.rows++;
            if (telem_file_get(&item, &Row_schema, &r) != TELEM_OK || r.n != item.row || r.noise != ((uint32_t)((r.n + 1) * 2654435761u) ^ (uint32_t)(r.n >> 3)))
                seen.bad++;
        }
    }
}

static int wipe_entry(void *arg, const telem_dir_entry *e) {
    char *name = (char *)arg;
    snprintf(name, 200, "%s", e->name);
    return 1;
}
static void wipe(const char *where) {
    telem_dir d = telem_dir_system(where);
    char name[200] = "";
    int most = 2000;
    while (d.list(d.user, wipe_entry, name) == TELEM_OK && name[0] && most-- > 0) {
        if (d.remove(d.user, name) != TELEM_OK) break;
        name[0] = 0;
    }
    (void)rmdir(where);
}
static int count_entry(void *arg, const telem_dir_entry *e) {
    const char **end = (const char **)((void **)arg)[0];
    size_t a = strlen(e->name), b = strlen(*end);
    if (a >= b && strcmp(e->name + a - b, *end) == 0) ++*(int *)((void **)arg)[1];
    return 0;
}
static int files_named(const char *where, const char *end) {
    telem_dir d = telem_dir_system(where);
    int n = 0;
    void *arg[2];
    arg[0] = (void *)&end;
    arg[1] = &n;
    (void)d.list(d.user, count_entry, arg);
    return n;
}

/* Writes `rows` rows; killed in front of step `cut`. */
static int role_write(const char *where, long cut, long rows, int keep_unread) {
    uint64_t n, from;
    telem_result r;
    cut_at = cut;
    r = open_writer(where, "log", keep_unread);
    if (r == TELEM_ERR_BUSY) return REFUSED;
    if (r != TELEM_OK) return 2;
    from = next_row();
    for (n = from; n < from + (uint64_t)rows; n++)
        if (put(n) != TELEM_OK) return 3;
    return telem_feed_close(&w) == TELEM_OK ? 0 : 4;
}

/* Rows are in the file when the write returns: which ones did is noted in a file beside the feed. */
static int role_journal(const char *where, long cut, long rows) {
    telem_io note;
    uint64_t n, from;
    telem_result r;
    cut_at = cut;
    with_journal = 1;
    r = open_writer(where, "log", 1);
    if (r != TELEM_OK) return 2;
    if (real.open(real.user, "noted", TELEM_DIR_WRITE, &note) != TELEM_OK && real.open(real.user, "noted", TELEM_DIR_CREATE, &note) != TELEM_OK) return 5;
    if (!telem_file_journals(&w.w)) return 8;
    from = next_row();
    for (n = from; n < from + (uint64_t)rows; n++) {
        uint64_t count = n + 1;
        if (put(n) != TELEM_OK) return 3;
        if (note.seek(note.user, 0) != TELEM_OK || note.write(note.user, &count, 8) != 8) return 6;
    }
    return telem_feed_close(&w) == TELEM_OK ? 0 : 4;
}

static uint64_t noted(const char *where) {
    telem_dir d = telem_dir_system(where);
    telem_io io;
    uint64_t n = 0;
    if (d.open(d.user, "noted", TELEM_DIR_READ, &io) != TELEM_OK) return 0;
    if (io.read(io.user, &n, 8) != 8) n = 0;
    (void)d.close(d.user, &io);
    return n;
}

static int role_read(const char *where) {
    uint64_t most = UINT64_MAX;
    (void)open_reader(where, "log");
    while (most-- > 0) read_on(NULL);
    return 0;
}

static int role(int argc, char **argv) {
    long a = argc > 4 ? atol(argv[4]) : 0, b = argc > 5 ? atol(argv[5]) : 0;
    if (strcmp(argv[2], "nothing") == 0) return 7;
    if (strcmp(argv[2], "write") == 0) return role_write(argv[3], a, b, 0);
    if (strcmp(argv[2], "write-unread") == 0) return role_write(argv[3], a, b, 1);
    if (strcmp(argv[2], "journal") == 0) return role_journal(argv[3], a, b);
    if (strcmp(argv[2], "read") == 0) return role_read(argv[3]);
    return 1;
}

/* Files go when the follower has said that it read them: it misses nothing. */
TEST(follower_misses_nothing_that_waits_for_it) {
    const char *where = in_dir("ack");
    long rows = check_quick() ? 20000 : 150000;
    telem_dir plain = telem_dir_system(where);
    process p;
    if (!can_spawn()) SKIP("cannot start processes");
    memset(&seen, 0, sizeof seen);
    (void)open_reader(where, "log");
    REQUIRE(spawn(&p, "write-unread", where, 0, rows));
    while (running(p)) {
        read_on(&plain);
        nap();
    }
    CHECK_EQ_INT(outcome(p), 0);
    read_on(&plain);
    CHECK_EQ_INT(seen.first, 0);
    CHECK_EQ_INT(seen.rows, rows);
    CHECK_EQ_INT(seen.missing, 0);
    CHECK_EQ_INT(seen.bad + seen.damage, 0);
    CHECK(telem_feed_reader_number(&rd) > 10);
    CHECK(files_named(where, ".tlm") < (int)telem_feed_reader_number(&rd));
    CHECK_EQ_INT(files_named(where, ".new"), 0);
    CHECK_OK(telem_feed_reader_close(&rd));
    wipe(where);
}

/* Files go without asking: what a slow follower misses is told exactly. */
TEST(slow_follower_learns_what_it_missed) {
    const char *where = in_dir("slow");
    long rows = check_quick() ? 20000 : 100000;
    process p;
    if (!can_spawn()) SKIP("cannot start processes");
    memset(&seen, 0, sizeof seen);
    (void)open_reader(where, "log");
    REQUIRE(spawn(&p, "write", where, 0, rows));
    while (running(p)) {
        read_on(NULL);
        nap();
    }
    CHECK_EQ_INT(outcome(p), 0);
    read_on(NULL);
    CHECK_EQ_INT(seen.next, rows);
    CHECK_EQ_INT(seen.first + seen.rows + seen.missing, rows);
    CHECK_EQ_INT(seen.bad + seen.damage, 0);
    CHECK(files_named(where, ".tlm") <= 4);
    CHECK_OK(telem_feed_reader_close(&rd));
    wipe(where);
}

/* Killed in front of (or in the middle of) step after step, each time a new writer goes on; the follower stays. */
TEST(writers_killed_in_each_step_leave_no_hole) {
    const char *where = in_dir("kill");
    long cut, killed = 0, most = 200;
    int code = KILLED;
    if (!can_spawn()) SKIP("cannot start processes");
    memset(&seen, 0, sizeof seen);
    (void)open_reader(where, "log");
    for (cut = 1; cut < most; cut += check_quick() ? 9 : 1) {
        process p;
        REQUIRE(spawn(&p, "write", where, cut, 3500));
        code = outcome(p);
        CHECK(code == 0 || code == KILLED);
        killed += code == KILLED;
        read_on(NULL);
        if (code == 0) break;
    }
    CHECK(killed > (check_quick() ? 3 : 30));
    CHECK_EQ_INT(code, 0);
    read_on(NULL);
    CHECK(seen.rows > 3500);
    CHECK_EQ_INT(seen.bad, 0);
    CHECK_EQ_INT(seen.first + seen.rows + seen.missing, seen.next);
    CHECK_EQ_INT(files_named(where, ".new"), 0);
    CHECK_OK(telem_feed_reader_close(&rd));
    wipe(where);
}

static int kills(int few, int many) { /* FEED_KILLS=n: at any time; "make kills" */
    const char *n = getenv("FEED_KILLS");
    return n ? atoi(n) : check_quick() ? few : many;
}

/* Writers and readers killed at any time. */
TEST(killed_at_any_time) {
    const char *where = in_dir("time");
    int i, rounds = kills(6, 60);
    uint64_t rng = check_seed();
    if (!can_spawn()) SKIP("cannot start processes");
    memset(&seen, 0, sizeof seen);
    (void)open_reader(where, "log");
    for (i = 0; i < rounds; i++) {
        process p, q;
        int naps = (int)(check_rand(&rng) >> 33) % 30;
        REQUIRE(spawn(&p, "write", where, 0, 100000000));
        REQUIRE(spawn(&q, "read", where, 0, 0));
        while (naps-- > 0) {
            nap();
            read_on(NULL);
        }
        end(p);
        end(q);
        CHECK_EQ_INT(outcome(p), KILLED);
        CHECK_EQ_INT(outcome(q), KILLED);
        read_on(NULL);
    }
    CHECK_OK(open_writer(where, "log", 0));
    CHECK_EQ_INT(files_named(where, ".new"), 0);
    CHECK_OK(put(next_row()));
    CHECK_OK(telem_feed_close(&w));
    read_on(NULL);
    CHECK_EQ_INT(seen.bad, 0);
    CHECK_EQ_INT(seen.first + seen.rows + seen.missing, seen.next);
    CHECK_OK(telem_feed_reader_close(&rd));
    wipe(where);
}

/* Behind the next writer's open the files of those that were killed are whole: their rows are in blocks. */
static void whole_files(const char *where) {
    telem_feed_reader_desc d = TELEM_ZERO;
    telem_feed_span span;
    telem_file_read read;
    telem_file_into into;
    telem_file_item item;
    uint64_t *n;
    int sessions = 0, ends = 0, zone = 0;
    cut_at = 0;
    with_journal = 1;
    REQUIRE_OK(open_writer(where, "log", 0));
    CHECK_OK(telem_feed_close(&w));
    with_journal = 0;
    d.dir = &real;
    d.name = "log";
    d.memory = reader_memory;
    d.memory_size = sizeof reader_memory;
    REQUIRE_OK(telem_feed_reader_open(&rd, &d));
    while (telem_feed_next(&rd, &item) == TELEM_OK) {
        sessions += item.kind == TELEM_ITEM_SESSION;
        ends += item.kind == TELEM_ITEM_END;
        zone += item.kind == TELEM_ITEM_ROW && item.journal;
    }
    CHECK(ends >= sessions); /* an end that lacked its pad is written again */
    CHECK_EQ_INT(zone, 0);
    CHECK_OK(telem_feed_reader_span(&rd, "rows", &span));
    CHECK_EQ_INT(span.end_row, seen.next);
    memset(&read, 0, sizeof read);
    memset(&into, 0, sizeof into);
    read.first = span.first_row;
    read.rows = span.end_row - span.first_row;
    n = (uint64_t *)calloc((size_t)read.rows + 1u, 8);
    REQUIRE(n);
    into.data = n;
    read.columns = &into;
    read.count = 1;
    if (read.rows) CHECK_OK(telem_feed_read_columns(&rd, "rows", &read)); /* writers killed at their start leave none */
    CHECK_EQ_INT(read.got, read.rows);
    CHECK(read.rows == 0 || (n[0] == span.first_row && n[read.rows - 1u] == span.end_row - 1u));
    free(n);
    CHECK_OK(telem_feed_reader_close(&rd));
}

/* With a journal no row is lost that a write returned for, whatever step of a rotation the writer is killed in. */
static void journal_kills(const char *where, int at_random) {
    uint64_t rng = check_seed();
    telem_dir plain = telem_dir_system(where);
    long cut, killed = 0, rounds = at_random ? kills(10, 80) : check_quick() ? 10 : 80;
    memset(&seen, 0, sizeof seen);
    (void)open_reader(where, "log");
    for (cut = 1; killed < rounds; cut = cut % 70 + (check_quick() ? 7 : 1)) {
        process p;
        int code, naps = (int)(check_rand(&rng) >> 33) % 20;
        uint64_t before;
        uint64_t old = noted(where);
        int patience = at_random && killed % 2 ? 20000 : 0; /* one in two has written something, on a busy machine, too */
        REQUIRE(spawn(&p, "journal", where, at_random ? 0 : cut, at_random ? 100000000 : 4000));
        while (patience-- > 0 && noted(where) <= old) {
            nap();
            read_on(&plain);
        }
        while (at_random && naps-- > 0) {
            nap();
            read_on(&plain);
        }
        if (at_random) end(p);
        code = outcome(p);
        CHECK(code == KILLED || (code == 0 && !at_random));
        killed++;
        before = noted(where);
        read_on(&plain);
        CHECK(seen.next >= before);
        CHECK_EQ_INT(seen.bad, 0);
        if (check_g.bad) {
            printf("cut %ld: seen to %llu, noted %llu, exit %d\n", cut, (unsigned long long)seen.next, (unsigned long long)before, code);
            break;
        }
    }
    read_on(&plain);
    CHECK_EQ_INT(seen.rows, seen.next);
    CHECK_EQ_INT(seen.missing, 0); /* half a block may be left (told as damage): its rows come out of the journal */
    CHECK_EQ_INT(seen.bad, 0);
    CHECK(seen.rows > 100);
    CHECK_OK(telem_feed_reader_close(&rd));
    whole_files(where);
    wipe(where);
}
static int can_journal(const char *where) {
    int yes;
    with_journal = 1;
    yes = open_writer(where, "log", 0) == TELEM_OK && telem_file_journals(&w.w);
    (void)telem_feed_close(&w);
    with_journal = 0;
    wipe(where);
    return yes;
}
TEST(journal_rows_survive_kills_in_each_step) {
    if (!can_spawn() || !can_journal(in_dir("probe"))) SKIP("cannot start processes, or map a file");
    journal_kills(in_dir("jstep"), 0);
}
TEST(journal_rows_survive_kills_at_any_time) {
    if (!can_spawn() || !can_journal(in_dir("probe"))) SKIP("cannot start processes, or map a file");
    journal_kills(in_dir("jtime"), 1);
}

/* A writer that is faster than the reader: "from now on" is found all the same. Each read of the zone meets new rows. */
static telem_io slow_inner;
static uint64_t slow_written;
static int slow_at; /* in the journal zone */
static int64_t slow_read(void *user, void *p, size_t n) {
    int i;
    for (i = 0; i < 400 && slow_at && slow_written < 200000; i++) {
        CHECK_OK(put(next_row()));
        slow_written++;
    }
    (void)user;
    return slow_inner.read(slow_inner.user, p, n);
}
static int64_t slow_size(void *user) {
    (void)user;
    return slow_inner.size(slow_inner.user);
}
static telem_result slow_seek(void *user, uint64_t at) {
    (void)user;
    slow_at = at >= 4096 + 64 && at < 4096 + 64 + 4 * 4096;
    return slow_inner.seek(slow_inner.user, at);
}
static telem_result slow_open(void *user, const char *name, int how, telem_io *io) {
    telem_result r = real.open(user, name, how, &slow_inner);
    memset(io, 0, sizeof *io);
    io->user = &slow_inner;
    io->read = slow_read;
    io->size = slow_size;
    io->seek = slow_seek;
    return r;
}
static telem_result slow_close(void *user, telem_io *io) {
    (void)io;
    return real.close(user, &slow_inner);
}
TEST(from_now_on_is_found_while_rows_come_faster) {
    const char *where = in_dir("fast");
    telem_feed_reader_desc d = TELEM_ZERO;
    telem_dir slow;
    telem_file_item item;
    uint64_t n, before;
    if (!can_journal(in_dir("probe"))) SKIP("cannot map a file");
    where = in_dir("fast");
    with_journal = 1;
    REQUIRE_OK(open_writer(where, "log", 1));
    with_journal = 0;
    w.rotate_bytes = w.due_bytes = UINT64_MAX;
    for (n = 0; n < 3000; n++) CHECK_OK(put(n));
    slow = real;
    slow.open = slow_open;
    slow.close = slow_close;
    d.dir = &slow;
    d.name = "log";
    d.memory = reader_memory;
    d.memory_size = sizeof reader_memory;
    d.follow = 1;
    slow_written = 0;
    REQUIRE_OK(telem_feed_reader_open(&rd, &d));
    before = next_row();
    CHECK_OK(telem_feed_seek_now(&rd));
    CHECK(slow_written < 100000);
    do REQUIRE_OK(telem_feed_next(&rd, &item));
    while (item.kind != TELEM_ITEM_ROW);
    CHECK(item.row >= before);
    CHECK_OK(telem_feed_reader_close(&rd));
    CHECK_OK(telem_feed_close(&w));
    wipe(where);
}

TEST(second_writer_is_refused_across_processes) {
    const char *where = in_dir("two");
    process p;
    if (!can_spawn()) SKIP("cannot start processes");
    REQUIRE_OK(open_writer(where, "log", 0));
    CHECK_OK(put(0));
    REQUIRE(spawn(&p, "write", where, 0, 10));
    CHECK_EQ_INT(outcome(p), REFUSED);
    {
        static telem_feed_writer other; /* nor in the same process */
        telem_feed_writer_desc d = TELEM_ZERO;
        telem_dir plain = telem_dir_system(where);
        d.dir = &plain;
        d.name = "log";
        d.file.memory = reader_memory;
        d.file.memory_size = sizeof reader_memory;
        CHECK_EQ_INT(telem_feed_open(&other, &d), TELEM_ERR_BUSY);
        d.name = "log2"; /* another feed of the directory is another matter */
        d.file.coding = TELEM_FILE_ROWS;
        CHECK_OK(telem_feed_open(&other, &d));
        CHECK_OK(telem_feed_close(&other));
    }
    CHECK_OK(telem_feed_close(&w));
    REQUIRE(spawn(&p, "write", where, 0, 10));
    CHECK_EQ_INT(outcome(p), 0);
    wipe(where);
}

#if !defined(_WIN32)
#include <sys/stat.h>
/* What is called like a file of the feed and is none. */
TEST(odd_files_neither_block_nor_mislead) {
    const char *where = in_dir("odd");
    char name[300];
    memset(&seen, 0, sizeof seen);
    REQUIRE_OK(open_writer(where, "log", 0));
    CHECK_OK(put(0));
    CHECK_OK(telem_feed_close(&w));
    snprintf(name, sizeof name, "%s/log.000000.tlm", where);
    CHECK_EQ_INT(mkfifo(name, 0600), 0); /* opening it would wait for ever */
    snprintf(name, sizeof name, "%s/log.000002.tlm", where);
    CHECK_EQ_INT(mkdir(name, 0700), 0);
    snprintf(name, sizeof name, "%s/log.000003.tlm", where);
    CHECK_EQ_INT(symlink("/nowhere", name), 0);
    snprintf(name, sizeof name, "%s/log.new", where);
    CHECK_EQ_INT(symlink("/dev/null", name), 0); /* not written through */
    (void)open_reader(where, "log");
    read_on(NULL);
    CHECK_EQ_INT(seen.rows, 1);
    CHECK_EQ_INT(telem_feed_reader_number(&rd), 1);
    CHECK_OK(telem_feed_reader_close(&rd));
    snprintf(name, sizeof name, "%s/log.000002.tlm", where);
    (void)rmdir(name);
    snprintf(name, sizeof name, "%s/log.000003.tlm", where);
    (void)unlink(name);
    CHECK_OK(open_writer(where, "log", 0));
    CHECK_OK(telem_feed_close(&w));
    snprintf(name, sizeof name, "%s/log.000000.tlm", where);
    (void)unlink(name);
    wipe(where);
}
#else
TEST(odd_files_neither_block_nor_mislead) { SKIP("POSIX"); }
#endif

int main(int argc, char **argv) {
    if (argc > 3 && strcmp(argv[1], "role") == 0) return role(argc, argv);
    RUN(follower_misses_nothing_that_waits_for_it);
    RUN(slow_follower_learns_what_it_missed);
    RUN(writers_killed_in_each_step_leave_no_hole);
    RUN(killed_at_any_time);
    RUN(journal_rows_survive_kills_in_each_step);
    RUN(journal_rows_survive_kills_at_any_time);
    RUN(from_now_on_is_found_while_rows_come_faster);
    RUN(second_writer_is_refused_across_processes);
    RUN(odd_files_neither_block_nor_mislead);
    return CHECK_MAIN_END();
}
