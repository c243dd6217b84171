/* scenario_journal.c - UNIT: native - writers that are killed, with kill -9 at any time and behind each store of the
   journal, while another process follows; the next writer appends, some with a helper thread. Every row that
   telem_file_write had returned for is read, once, in order, by the follower and by who comes later.
   JOURNAL_KILLS=n: so many kills at any time ("make kills": 1,000, and as many of feeds). */
#define _POSIX_C_SOURCE 200809L
static void cut_here(void);
#define TELEM_I_FILE_POINT() cut_here()
#define TELEM_IMPLEMENTATION
#include "telem_file.h"
#include "check.h"
#include <fcntl.h>
#if defined(_WIN32)
#include <sys/stat.h>
#else
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#endif

enum { KILLED = 1000, STREAMS = 3, LIVES = 10 };

/* ---- processes ---- */

#if defined(_WIN32)
typedef HANDLE process;
static int spawn(process *p, const char *role, const char *path, uint64_t seed, long cut) {
    char self[MAX_PATH], line[2 * MAX_PATH + 200];
    STARTUPINFOA si;
    PROCESS_INFORMATION pi;
    memset(&si, 0, sizeof si);
    si.cb = sizeof si;
    if (!GetModuleFileNameA(NULL, self, sizeof self)) return 0;
    snprintf(line, sizeof line, "\"%s\" role %s %s %lu %ld", self, role, path, (unsigned long)(seed & 0xFFFFFFFFu), cut);
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
static int still_there(process p) { return WaitForSingleObject(p, 0) == WAIT_TIMEOUT; }
static void nap(void) { Sleep(0); }
#define OPEN_FLAGS (O_RDWR | O_CREAT | O_BINARY)
#define RIGHTS (S_IREAD | S_IWRITE)
#else
typedef pid_t process;
static int spawn(process *p, const char *role, const char *path, uint64_t seed, long cut) {
    char a[32], b[32];
    snprintf(a, sizeof a, "%lu", (unsigned long)(seed & 0xFFFFFFFFu));
    snprintf(b, sizeof b, "%ld", cut);
    fflush(stdout);
    *p = fork();
    if (*p == 0) {
        execl("/proc/self/exe", "scenario", "role", role, path, a, b, (char *)NULL);
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
static int still_there(process p) { return waitpid(p, NULL, WNOHANG) == 0; }
static void nap(void) {
    struct timespec t = {0, 20000};
    (void)nanosleep(&t, NULL);
}
#define OPEN_FLAGS (O_RDWR | O_CREAT)
#define RIGHTS 0600
#endif

static long cut_at; /* this store is the last one */
static void cut_here(void) {
    if (cut_at > 0 && --cut_at == 0) end_myself();
}

/* ---- what the processes share: a mapped file beside the one that is written ---- */

typedef struct control {
    telem_atomic32 acked[STREAMS]; /* rows whose write returned; the writer's */
    telem_atomic32 seen[STREAMS];  /* rows that the follower has had, one after the other; its own */
    telem_atomic32 last;           /* no more writers: the follower finishes */
    telem_atomic32 wrong;          /* what the follower does not like */
} control;

static control *ctl;
static telem_io ctl_io;

static int open_file(const char *path, const char *tail, int flags) {
    char name[600];
    snprintf(name, sizeof name, "%s%s", path, tail);
    return open(name, flags, RIGHTS);
}
static int open_control(const char *path) {
    int fd = open_file(path, ".ctl", OPEN_FLAGS);
    if (fd < 0) return 0;
    ctl_io = telem_io_fd(fd);
    if (ctl_io.size(ctl_io.user) < 4096 && ctl_io.truncate(ctl_io.user, 4096) != TELEM_OK) return 0;
    ctl = (control *)ctl_io.map(ctl_io.user, 0, 4096, 1);
    return ctl != NULL;
}
static void close_control(void) {
    if (ctl) (void)ctl_io.unmap(ctl_io.user, ctl, 4096);
    ctl = NULL;
    (void)close((int)(intptr_t)ctl_io.user);
}

/* ---- rows that prove themselves: everything follows from stream and number ---- */

TELEM_LABELS(modes, {0, "OFF"}, {1, "ON"});
#define FAST_TABLE(F) F(FIELD, u32, n, "", "") F(FIELD, f32, volts, "V", "") F(ENUM, u8, mode, modes, "")
TELEM_DEFINE(Fast, FAST_TABLE, "");
#define WIDE_TABLE(F) F(ARRAY, f32, x, 50, "", "") F(STRING, text, 20, "")
TELEM_DEFINE(Wide, WIDE_TABLE, "");
#define SLOW_TABLE(F) F(FIELD, f64, level, "m", "") F(OPT, i16, temp, "degC", "")
TELEM_DEFINE(Slow, SLOW_TABLE, "");

static const telem_schema *schema_of(uint32_t s) { return s == 0 ? &Fast_schema : s == 1 ? &Wide_schema : &Slow_schema; }

static void row_of(uint32_t s, uint64_t n, uint8_t *row) {
    uint32_t i;
    if (s == 0) {
        Fast r;
        memset(&r, 0, sizeof r);
        r.n = (uint32_t)n;
        r.volts = (float)(n / 7);
        r.mode = (uint8_t)(n & 1);
        (void)telem_schema_pack(&Fast_schema, &r, row);
    } else if (s == 1) {
        Wide r;
        memset(&r, 0, sizeof r);
        for (i = 0; i < 50; i++) r.x[i] = (float)(n * (i + 1u) % 1000u);
        r.text.len = (uint32_t)snprintf((char *)r.text.data, sizeof r.text.data, "row %lu", (unsigned long)n);
        (void)telem_schema_pack(&Wide_schema, &r, row);
    } else {
        Slow r; /* the same row many times */
        memset(&r, 0, sizeof r);
        r.level = (double)(n / 40);
        r.has_temp = (uint8_t)(n / 100 % 2);
        r.temp = (int16_t)(r.has_temp ? 17 : 0);
        (void)telem_schema_pack(&Slow_schema, &r, row);
    }
}
static int64_t time_of(uint32_t s, uint64_t n) { return (int64_t)n * 1000 + s; }
static uint32_t stream_of(uint64_t turn) { return turn % 5 == 3 ? 1 : turn % 3 == 2 ? 2 : 0; }

/* The helper of a third of those that write columns; it goes with the process, or before the writer is closed. */
static telem_atomic32 helper_stop;
static void help(telem_file_writer *w) {
    while (!TELEM_LOAD32_ACQUIRE(&helper_stop))
        if (telem_file_work(w) != 1) nap();
}
#if defined(_WIN32)
static HANDLE helper;
static DWORD WINAPI help_main(void *w) {
    help((telem_file_writer *)w);
    return 0;
}
static int helper_begin(telem_file_writer *w) {
    helper = CreateThread(NULL, 0, help_main, w, 0, NULL);
    return helper != NULL;
}
static void helper_end(void) {
    TELEM_STORE32_RELEASE(&helper_stop, 1);
    (void)WaitForSingleObject(helper, INFINITE);
}
#else
static pthread_t helper;
static void *help_main(void *w) {
    help((telem_file_writer *)w);
    return NULL;
}
static int helper_begin(telem_file_writer *w) { return pthread_create(&helper, NULL, help_main, w) == 0; }
static void helper_end(void) {
    TELEM_STORE32_RELEASE(&helper_stop, 1);
    (void)pthread_join(helper, NULL);
}
#endif
static void helper_wait(void *user) {
    (void)user;
    nap();
}

/* ---- the writer: never stops by itself, but for `rows` when it is cut at a place ---- */

static uint64_t memory[(4u << 20) / 8];

static void describe(telem_file_writer_desc *d, uint64_t seed) {
    memset(d, 0, sizeof *d);
    d->memory = memory;
    d->memory_size = sizeof memory;
    d->coding = (uint8_t)(1u + seed % 3);
    d->max_block = 1u << 16;
    d->max_row = 1u << 12;
    d->max_streams = 4;
    d->block_bytes = 1000u + (uint32_t)(seed / 3 % 4) * 3000u;
    if (d->coding == TELEM_FILE_COLUMNS) d->block_rows = 300;
    d->index_blocks = 20;
    d->max_age_ns = UINT64_MAX;
    d->journal = 1;
    d->append = 1;
    d->journal_slots = 2u + (uint32_t)(seed / 12 % 4);
    d->journal_slot_bytes = 4096u + 2048u * (uint32_t)(seed / 48 % 8);
    d->sync = seed / 384 % 16 == 0 ? TELEM_FILE_SYNC_BLOCK : TELEM_FILE_SYNC_NONE;
    if (d->coding == TELEM_FILE_COLUMNS && seed / 8192 % 2) {
        d->pace = TELEM_FILE_HELPER;
        d->wait = helper_wait;
    }
}

static int write_rows(const char *path, uint64_t seed, uint64_t rows) {
    static telem_file_writer w;
    telem_file_writer_desc d;
    telem_file_stream_desc sd;
    telem_io io;
    uint64_t n[STREAMS], turn;
    uint8_t row[512];
    uint32_t s;
    telem_result r;
    int fd = open_file(path, "", OPEN_FLAGS);
    if (fd < 0 || !open_control(path)) return 10;
    io = telem_io_fd(fd);
    describe(&d, seed);
    d.io = &io;
    r = telem_file_writer_open(&w, &d);
    if (r != TELEM_OK) {
        printf("writer_open: %d %s\n", r, telem_file_writer_error(&w).what);
        return 11;
    }
    if (!telem_file_journals(&w)) return 12;
    if (d.pace == TELEM_FILE_HELPER && !helper_begin(&w)) return 17;
    for (s = 0; s < STREAMS; s++) {
        memset(&sd, 0, sizeof sd);
        sd.id = 10 + s;
        sd.schema = schema_of(s);
        r = telem_file_add_stream(&w, &sd);
        if (r != TELEM_OK) {
            printf("add_stream: %d\n", r);
            return 13;
        }
        n[s] = telem_file_next_row(&w, sd.id);
        if (n[s] < ctl->acked[s] || n[s] > ctl->acked[s] + 1u) {
            printf("stream %u goes on at %lu, %lu were acknowledged\n", (unsigned)s, (unsigned long)n[s], (unsigned long)ctl->acked[s]);
            return 14;
        }
        TELEM_STORE32_RELEASE(&ctl->acked[s], (uint32_t)n[s]);
    }
    for (turn = 0; rows == 0 || turn < rows; turn++) {
        s = stream_of(turn);
        row_of(s, n[s], row);
        r = telem_file_write_row(&w, 10 + s, time_of(s, n[s]), row);
        if (r != TELEM_OK) {
            printf("write: %d %s\n", r, telem_file_writer_error(&w).what);
            return 15;
        }
        n[s]++;
        TELEM_STORE32_RELEASE(&ctl->acked[s], (uint32_t)n[s]);
        if ((turn + seed) % 977 == 0) (void)telem_file_writer_flush(&w);
    }
    if (d.pace == TELEM_FILE_HELPER) helper_end();
    return telem_file_writer_close(&w) == TELEM_OK ? 7 : 16;
}

/* ---- the follower ---- */

static uint64_t reader_memory[(2u << 20) / 8];
static uint64_t had[STREAMS];

/* 0: as it should be. */
static uint32_t take(const telem_file_item *item) {
    uint8_t row[512];
    uint32_t s;
    if (item->kind == TELEM_ITEM_MISSING) return 1;
    if (item->kind != TELEM_ITEM_ROW) return 0;
    s = item->stream->id - 10;
    if (s >= STREAMS) return 2;
    if (item->row != had[s]) {
        printf("row %lu of stream %u, expected %lu\n", (unsigned long)item->row, (unsigned)s, (unsigned long)had[s]);
        return 3;
    }
    row_of(s, item->row, row);
    if (item->time != time_of(s, item->row) || memcmp(item->data, row, item->stream->row_size) != 0) return 4;
    had[s]++;
    return 0;
}

static int follow(const char *path, uint64_t seed) {
    static telem_file_reader r;
    telem_file_reader_desc d;
    telem_file_item item;
    telem_io io;
    telem_result e = TELEM_ERR_CORRUPT;
    uint32_t last = 0, s;
    int fd = open_file(path, "", OPEN_FLAGS), ready;
    if (fd < 0 || !open_control(path)) return 10;
    io = telem_io_fd(fd);
    memset(&d, 0, sizeof d);
    d.io = &io;
    d.memory = reader_memory;
    d.memory_size = sizeof reader_memory;
    while (!TELEM_LOAD32_ACQUIRE(&ctl->acked[0]) && !TELEM_LOAD32_ACQUIRE(&ctl->last)) nap(); /* the file is being made, */
    while (e != TELEM_OK && !TELEM_LOAD32_ACQUIRE(&ctl->last)) {                               /* perhaps more than once */
        (void)io.seek(io.user, 0);
        e = telem_file_reader_open(&r, &d);
        if (e != TELEM_OK) nap();
    }
    if (e == TELEM_OK && seed % 2) e = telem_file_reader_map_zone(&r);
    if (e != TELEM_OK) return 11;
    for (;;) {
        uint32_t was = TELEM_LOAD32_ACQUIRE(&ctl->last);
        while ((e = telem_file_next(&r, &item)) == TELEM_OK) {
            uint32_t wrong = take(&item);
            if (item.kind == TELEM_ITEM_DAMAGE && !last) wrong = 5;
            if (wrong) {
                printf("follower: wrong %u, %s\n", (unsigned)wrong, item.error.what ? item.error.what : "");
                TELEM_STORE32_RELEASE(&ctl->wrong, wrong);
                return 12;
            }
            if (item.kind == TELEM_ITEM_ROW) TELEM_STORE32_RELEASE(&ctl->seen[item.stream->id - 10], (uint32_t)had[item.stream->id - 10]);
        }
        if (e != TELEM_END) return 13;
        if (last) break;
        if (was) {
            last = 1;
            (void)telem_file_reader_finish(&r);
            continue;
        }
        ready = telem_file_reader_ready(&r);
        if (seed % 3 == 0 && ready != 1) nap();
    }
    for (s = 0; s < STREAMS; s++)
        if (had[s] < ctl->acked[s] || had[s] > ctl->acked[s] + 1u) return 14;
    telem_file_reader_unmap_zone(&r);
    return 7;
}

/* ---- the tests ---- */

static char path[500];
static void path_of(const char *what) {
    const char *dir = getenv("TMPDIR");
#if defined(_WIN32)
    snprintf(path, sizeof path, "scenario-journal-%s-%lu", what, (unsigned long)GetCurrentProcessId());
    (void)dir;
#else
    snprintf(path, sizeof path, "%s/scenario-journal-%s-%lu", dir ? dir : "/tmp", what, (unsigned long)getpid());
#endif
}
static void remove_files(void) {
    char name[600];
    (void)remove(path);
    snprintf(name, sizeof name, "%s.ctl", path);
    (void)remove(name);
}

static int can_spawn(void) { /* an emulator may not start its own program again */
    process p;
    return spawn(&p, "nothing", "x", 0, 0) && outcome(p) == 7;
}

/* Somebody who comes later reads the same. */
static int read_later(void) {
    static telem_file_reader r;
    telem_file_reader_desc d;
    telem_file_item item;
    telem_io io;
    telem_result e;
    uint32_t s, wrong = 0, finished = 0;
    int fd = open_file(path, "", OPEN_FLAGS);
    if (fd < 0) return 0;
    io = telem_io_fd(fd);
    memset(&d, 0, sizeof d);
    d.io = &io;
    d.memory = reader_memory;
    d.memory_size = sizeof reader_memory;
    memset(had, 0, sizeof had);
    e = telem_file_reader_open(&r, &d);
    while (e == TELEM_OK && !wrong) {
        e = telem_file_next(&r, &item);
        if (e == TELEM_OK) wrong = take(&item);
        if (e == TELEM_END && !finished) {
            finished = 1;
            e = telem_file_reader_finish(&r);
        }
    }
    (void)close(fd);
    CHECK_EQ_INT(wrong, 0);
    CHECK_EQ_INT(e, TELEM_END);
    for (s = 0; s < STREAMS; s++) {
        CHECK(had[s] >= ctl->acked[s] && had[s] <= ctl->acked[s] + 1u);
        if (had[s] < ctl->acked[s]) printf("stream %u: %lu of %lu\n", (unsigned)s, (unsigned long)had[s], (unsigned long)ctl->acked[s]);
    }
    return !wrong && e == TELEM_END;
}

/* The follower comes after all that was acknowledged: minutes of patience. */
static int follower_has_all(process follower) {
    uint64_t tries = 0;
    uint32_t s = 0;
    while (s < STREAMS) {
        if (TELEM_LOAD32_ACQUIRE(&ctl->seen[s]) >= ctl->acked[s]) s++;
        else if (ctl->wrong || ++tries > 5000000 || (tries % 1000 == 0 && !still_there(follower))) return 0;
        else nap();
    }
    return 1;
}

TEST(killed_writers_lose_no_row) {
    uint64_t rng = check_seed();
    const char *how_many = getenv("JOURNAL_KILLS");
    int kills = how_many ? atoi(how_many) : check_quick() ? 30 : 200, life;
    if (!can_spawn()) SKIP("this program cannot start itself here");
    path_of("kill");
    while (kills > 0) {
        process writer, follower;
        uint64_t seed = check_rand(&rng) >> 8;
        remove_files();
        REQUIRE(open_control(path));
        REQUIRE(spawn(&follower, "follow", path, seed, 0));
        for (life = 0; life < LIVES && kills > 0; life++, kills--) {
            uint32_t before = ctl->acked[0], more = (uint32_t)(check_rand(&rng) >> 40) % 3000u;
            uint64_t tries = 0;
            seed = check_rand(&rng) >> 8;
            REQUIRE(spawn(&writer, "write", path, seed, 0));
            if (check_rand(&rng) >> 63) { /* after some rows; or at any time, also before the first */
                while (TELEM_LOAD32_ACQUIRE(&ctl->acked[0]) - before < more && ++tries < 5000000) {
                    if (tries % 64 == 0 && !still_there(writer)) break;
                }
            } else {
                uint64_t until = telem_clock_monotonic().read(NULL) + (check_rand(&rng) >> 40) % 4000000u;
                while (telem_clock_monotonic().read(NULL) < until) {
                }
            }
            end(writer);
            REQUIRE(outcome(writer) == KILLED);
            if (ctl->acked[0]) CHECK(follower_has_all(follower));
            if (check_rand(&rng) >> 62 == 0 && ctl->acked[0]) (void)read_later();
        }
        TELEM_STORE32_RELEASE(&ctl->last, 1);
        CHECK_EQ_INT(outcome(follower), 7);
        CHECK_EQ_INT(ctl->wrong, 0);
        if (ctl->acked[0]) CHECK(read_later());
        close_control();
    }
    remove_files();
}

/* Killed behind each store and each write of making the file, of commits, of slots that change and of blocks; then,
   in another life, of append. */
TEST(writer_killed_behind_each_store_loses_no_row) {
    uint64_t seed = 4 + 12 * 1; /* rows coding in blocks of 4000 bytes, 3 slots of 4 KiB */
    long cut, step = check_quick() ? 23 : 3;
    int code = KILLED, first;
    if (!can_spawn()) SKIP("this program cannot start itself here");
    path_of("cut");
    for (first = 0; first < 2; first++) {
        for (cut = 1, code = KILLED; code == KILLED; cut += step) {
            process writer;
            remove_files();
            REQUIRE(open_control(path));
            if (first) { /* one that was killed before */
                REQUIRE(spawn(&writer, "short", path, seed + 1, 400));
                REQUIRE(outcome(writer) == KILLED);
            }
            REQUIRE(spawn(&writer, "short", path, seed, cut));
            code = outcome(writer);
            if (ctl->acked[0]) CHECK(read_later());
            if (code == KILLED) { /* and somebody goes on */
                REQUIRE(spawn(&writer, "short", path, seed, 0));
                CHECK_EQ_INT(outcome(writer), 7);
                CHECK(read_later());
            }
            close_control();
        }
        CHECK_EQ_INT(code, 7);
        CHECK(cut > 100);
    }
    remove_files();
}

int main(int argc, char **argv) {
    if (argc == 6 && strcmp(argv[1], "role") == 0) {
        uint64_t seed = strtoul(argv[4], NULL, 10);
        if (strcmp(argv[2], "nothing") == 0) return 7;
        cut_at = strtol(argv[5], NULL, 10);
        if (strcmp(argv[2], "write") == 0) return write_rows(argv[3], seed, 0);
        if (strcmp(argv[2], "short") == 0) return write_rows(argv[3], seed, 250);
        return follow(argv[3], seed);
    }
    RUN(killed_writers_lose_no_row);
    RUN(writer_killed_behind_each_store_loses_no_row);
    return CHECK_MAIN_END();
}
