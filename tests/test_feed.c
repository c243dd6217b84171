/* test_feed.c - feeds: files of one sequence in a directory, in memory. Rotation, keeping, following, seeking, what
   kills and strangers do to it. With processes and the system's directories: scenario_feed.c.  UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "file_kit.h"
#include "dir_kit.h"
#include "decoder.h"

#define FAST_TABLE(F) \
    F(FIELD, u64, n, "", "the row's number") \
    F(FIELD, f32, x, "m", "noise") \
    F(STRING, s, 12, "some rows have one")
TELEM_DEFINE(Fast, FAST_TABLE, "many rows");
#define SLOW_TABLE(F) F(FIELD, u64, n, "", "the row's number") F(FIELD, i16, y, "", "")
TELEM_DEFINE(Slow, SLOW_TABLE, "a row for every seven");

static uint64_t memory[1 << 18], memory2[1 << 18], reader_memory[1 << 18];
static dir_kit kit;
static telem_dir dir;
static telem_feed_writer w;
static telem_feed_reader rd;

static uint64_t kit_utc(void *user) { return (uint64_t)((dir_kit *)user)->now; }

static telem_feed_writer_desc the_desc;
static telem_file_stream_desc the_streams[2];
static telem_clock the_clock;

static telem_feed_writer_desc *feed_desc(uint8_t coding) {
    memset(&the_desc, 0, sizeof the_desc);
    memset(the_streams, 0, sizeof the_streams);
    memset(&the_clock, 0, sizeof the_clock);
    the_clock.read = kit_utc;
    the_clock.user = &kit;
    dir = dir_of(&kit);
    the_desc.dir = &dir;
    the_desc.name = "drive";
    the_desc.clock = &the_clock;
    the_desc.file.memory = memory;
    the_desc.file.memory_size = sizeof memory;
    the_desc.file.coding = coding;
    the_desc.file.max_block = 16384;
    the_desc.file.block_bytes = 2048;
    the_desc.file.block_rows = coding == TELEM_FILE_MINI ? 16 : 512;
    the_desc.file.max_streams = 8;
    the_desc.file.max_row = 256;
    the_desc.file.max_age_ns = UINT64_MAX;
    the_streams[0].id = 1;
    the_streams[0].schema = &Fast_schema;
    the_streams[0].name = "fast";
    the_streams[1].id = 2;
    the_streams[1].schema = &Slow_schema;
    the_streams[1].name = "slow";
    the_desc.streams = the_streams;
    the_desc.stream_count = 2;
    the_desc.rotate_bytes = 5000;
    return &the_desc;
}

/* Rows that prove themselves: everything follows from the number. */
static Fast fast_row(uint64_t n) {
    Fast r;
    uint64_t h = (n + 1u) * 0x9E3779B97F4A7C15u;
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9u;
    h = (h ^ h >> 27) * 0x94D049BB133111EBu;
    memset(&r, 0, sizeof r);
    r.n = n;
    r.x = (float)(h >> 40);
    r.s.len = n % 5 == 0 ? (uint32_t)(n % 12) : 0;
    memset(r.s.data, 'a' + (int)(n % 26), r.s.len);
    return r;
}
static uint64_t slow_ahead; /* of the fast ones' times, in rows */
static telem_result put(telem_feed_writer *f, uint64_t n) {
    Fast a = fast_row(n);
    telem_result r = telem_feed_write(f, 1, (int64_t)n * 1000, &a);
    if (r == TELEM_OK && n % 7 == 0) {
        Slow b;
        memset(&b, 0, sizeof b);
        b.n = n / 7;
        b.y = (int16_t)(n % 1000);
        r = telem_feed_write(f, 2, (int64_t)(n + slow_ahead) * 1000 + 3, &b);
    }
    return r;
}

/* What a reader of it has seen: each stream's rows in order, none twice, what is missing told. */
typedef struct account {
    uint64_t first[3], next[3], rows[3], missing[3];
    int damage, sessions, ends, started[3];
    int bad;
} account;

static void account_row(account *a, const telem_file_item *item) {
    uint32_t id = item->stream->id;
    if (id < 1 || id > 2) {
        a->bad++;
        return;
    }
    if (a->started[id] && item->row != a->next[id]) a->bad++;
    if (!a->started[id]) a->first[id] = item->row;
    a->started[id] = 1;
    a->next[id] = item->row + 1;
    a->rows[id]++;
    if (id == 1) {
        Fast f, want = fast_row(item->row);
        if (telem_file_get(item, &Fast_schema, &f) != TELEM_OK || f.n != want.n || f.x < want.x || f.x > want.x || f.s.len != want.s.len ||
            memcmp(f.s.data, want.s.data, want.s.len) != 0 || item->time != (int64_t)item->row * 1000) a->bad++;
    } else {
        Slow s;
        if (telem_file_get(item, &Slow_schema, &s) != TELEM_OK || s.n != item->row || s.y != (int16_t)(item->row * 7 % 1000)) a->bad++;
    }
}

/* Reads on as far as there is something. */
static telem_result account_read(account *a, telem_feed_reader *f, uint64_t most) {
    telem_file_item item;
    telem_result r = TELEM_OK;
    while (most-- > 0 && (r = telem_feed_next(f, &item)) == TELEM_OK) {
        if (item.kind == TELEM_ITEM_ROW) account_row(a, &item);
        if (item.kind == TELEM_ITEM_DAMAGE) a->damage++;
        if (item.kind == TELEM_ITEM_SESSION) a->sessions++;
        if (item.kind == TELEM_ITEM_END) a->ends++;
        if (item.kind == TELEM_ITEM_MISSING && item.stream->id <= 2) {
            uint32_t id = item.stream->id;
            if (a->started[id] && item.row != a->next[id]) a->bad++;
            if (!a->started[id]) a->first[id] = item.row;
            a->started[id] = 1;
            a->next[id] = item.row + item.count;
            a->missing[id] += item.count;
        }
    }
    return r;
}

/* An hour goes by between two looks. */
static uint64_t kit_hours(void *user) {
    static uint64_t t;
    (void)user;
    return t += 3600000000000u;
}
static telem_result reader(int follow) {
    telem_feed_reader_desc d = TELEM_ZERO;
    static telem_clock hours;
    hours.read = kit_hours;
    d.clock = &hours;
    dir = dir_of(&kit);
    d.dir = &dir;
    d.name = "drive";
    d.memory = reader_memory;
    d.memory_size = sizeof reader_memory;
    d.follow = (uint8_t)follow;
    kit.owner = 0;
    return telem_feed_reader_open(&rd, &d);
}

static const uint8_t codings[] = {TELEM_FILE_ROWS, TELEM_FILE_COLUMNS, TELEM_FILE_MINI};

TEST(rotated_files_read_as_one) {
    uint64_t n, rows = 9000;
    size_t c;
    for (c = 0; c < 2 * sizeof codings; c++) {
        account a;
        telem_feed_writer_desc *d = feed_desc(codings[c % sizeof codings]);
        memset(&a, 0, sizeof a);
        d->file.no_index = c >= sizeof codings;
        d->file.pace = c >= sizeof codings ? TELEM_FILE_AT_ONCE : TELEM_FILE_SPREAD;
        kit.owner = 1;
        REQUIRE_OK(telem_feed_open(&w, d));
        for (n = 0; n < rows; n++) CHECK_OK(put(&w, n));
        CHECK(w.number > 4);
        CHECK_EQ_INT(w.files_made, w.number);
        REQUIRE_OK(telem_feed_close(&w));
        CHECK_EQ_INT(dir_count(&kit, ".tlm"), w.number);
        CHECK_EQ_INT(dir_count(&kit, ".new"), 0);
        REQUIRE_OK(reader(0));
        CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_END);
        CHECK_EQ_INT(a.rows[1], rows);
        CHECK_EQ_INT(a.rows[2], (rows + 6) / 7);
        CHECK_EQ_INT(a.missing[1] + a.missing[2], 0);
        CHECK_EQ_INT(a.bad, 0);
        CHECK_EQ_INT(a.damage, 0);
        CHECK_EQ_INT(a.sessions, w.number);
        CHECK_EQ_INT(a.ends, w.number);
        CHECK_OK(telem_feed_reader_close(&rd));
        dir_free(&kit);
    }
}

/* The follower sees each row once while files come and go; one that is slower than what is kept learns exactly what
   it missed. */
TEST(follower_sees_each_row_once) {
    uint64_t n, rows = 12000, rng = kit_seed(1);
    int lazy;
    for (lazy = 0; lazy < 2; lazy++) {
        account a;
        telem_feed_writer_desc *d = feed_desc(TELEM_FILE_COLUMNS);
        memset(&a, 0, sizeof a);
        d->keep_files = 2;
        CHECK_EQ_INT(reader(1), TELEM_AGAIN); /* not there yet */
        CHECK_EQ_INT(account_read(&a, &rd, 1), TELEM_AGAIN);
        kit.owner = 1;
        REQUIRE_OK(telem_feed_open(&w, d));
        for (n = 0; n < rows; n++) {
            CHECK_OK(put(&w, n));
            if (kit_one_in(&rng, lazy ? 3000 : 40)) {
                kit.owner = 0;
                (void)account_read(&a, &rd, lazy && kit_one_in(&rng, 2) ? 1 + kit_below(&rng, 1000) : UINT64_MAX);
                kit.owner = 1;
            }
        }
        REQUIRE_OK(telem_feed_close(&w));
        CHECK(w.files_removed > 2);
        CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_AGAIN);
        CHECK_EQ_INT(a.bad, 0);
        CHECK_EQ_INT(a.damage, 0);
        CHECK_EQ_INT(a.first[1] + a.rows[1] + a.missing[1], rows);
        CHECK_EQ_INT(a.first[2] + a.rows[2] + a.missing[2], (rows + 6) / 7);
        if (!lazy) CHECK_EQ_INT(a.missing[1] + a.missing[2], 0);
        CHECK_OK(telem_feed_reader_close(&rd));
        dir_free(&kit);
    }
}

/* Each file by the second decoder: what its index and end blocks say is true, its loss blocks add up. */
static void decode_files(int clean) {
    int i;
    for (i = 0; i < DIR_FILES; i++) {
        decoder dec;
        const char *p;
        uint64_t told[3] = {0, 0, 0};
        if (!kit.file[i].inode || !strstr(kit.file[i].name, ".tlm")) continue;
        decoder_run(&dec, kit.file[i].inode->data, kit.file[i].inode->size, 0);
        CHECK(!strstr(dec.text, " wrong\n"));
        if (getenv("SHOW") && strstr(dec.text, " wrong\n")) printf("%s:\n%s\n", kit.file[i].name, dec.text);
        if (clean) CHECK(!strstr(dec.text, "CORRUPT") && !strstr(dec.text, " unseen\n"));
        for (p = strstr(dec.text, "loss "); p; p = strstr(p + 1, "loss ")) {
            unsigned id = 0, hop, cause;
            unsigned long long count = 0, total = 0;
            if (sscanf(p, "loss %u hop %u cause %u count %llu total %llu", &id, &hop, &cause, &count, &total) != 5 || id > 2) continue;
            told[id] += count;
            CHECK_EQ_INT(total, told[id]);
        }
        decoder_free(&dec);
    }
}

/* Between a reader's last look at a file's end and its look for the next one the writer writes on, and rotates. */
static uint64_t raced;
static void race(void) {
    int i;
    kit.on_look = NULL;
    kit.owner = 1;
    for (i = 0; i < 40; i++) CHECK_OK(put(&w, raced++));
    CHECK_OK(telem_feed_rotate(&w));
    for (i = 0; i < 3; i++) CHECK_OK(put(&w, raced++));
    CHECK_OK(telem_file_writer_flush(&w.w));
    kit.owner = 0;
}
TEST(rows_written_while_the_next_file_is_looked_for_are_read) {
    size_t c;
    int round;
    for (c = 0; c < sizeof codings; c++) {
        account a;
        telem_feed_writer_desc *d = feed_desc(codings[c]);
        memset(&a, 0, sizeof a);
        raced = 0;
        d->rotate_bytes = UINT64_MAX;
        kit.owner = 1;
        REQUIRE_OK(telem_feed_open(&w, d));
        REQUIRE_OK(reader(1));
        for (round = 0; round < 5; round++) {
            kit.on_look = race;
            CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_AGAIN);
            CHECK(kit.on_look == NULL);
            CHECK_EQ_INT(a.next[1], raced);
        }
        CHECK_EQ_INT(a.rows[1], raced);
        CHECK_EQ_INT(a.bad + a.damage, 0);
        CHECK_EQ_INT(a.missing[1] + a.missing[2], 0);
        CHECK_OK(telem_feed_reader_close(&rd));
        kit.owner = 1;
        CHECK_OK(telem_feed_close(&w));
        dir_free(&kit);
    }
}

/* The writer's health is a stream of the feed as any: through rotations and writers, its numbers go on. */
static uint64_t kit_steps(void *user) {
    static uint64_t t;
    (void)user;
    return t += 1000;
}
TEST(health_is_a_stream_of_the_feed) {
    telem_file_stream_desc s[3];
    telem_clock clock = TELEM_ZERO;
    telem_feed_clock k = TELEM_ZERO;
    telem_file_watch watch;
    telem_file_item item;
    telem_file_health h;
    uint64_t n = 0, next = 0, rows = 0;
    int life;
    clock.read = kit_steps;
    k.id = 9;
    k.clock = &clock;
    k.name = "steps";
    for (life = 0; life < 2; life++) {
        telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS);
        memset(s, 0, sizeof s);
        s[0] = the_streams[0];
        s[1] = the_streams[1];
        s[2].id = 3;
        s[2].clock = 9;
        s[2].name = "health";
        s[2].schema = &telem_file_health_schema;
        d->streams = s;
        d->stream_count = 3;
        d->clocks = &k;
        d->clock_count = 1;
        kit.owner = 1;
        REQUIRE_OK(telem_feed_open(&w, d));
        CHECK_EQ_INT(telem_file_next_row(&w.w, 3), rows);
        REQUIRE_OK(telem_file_add_health(&w.w, &watch, &s[2], 100000));
        CHECK_EQ_INT(telem_file_add_health(&w.w, &watch, &s[2], 100000), TELEM_ERR_STATE);
        for (; n < 2000u * (unsigned)(life + 1); n++) CHECK_OK(put(&w, n));
        rows = telem_file_next_row(&w.w, 3);
        CHECK(rows > 20u * (unsigned)(life + 1));
        CHECK(w.files_made > 2);
        CHECK_OK(telem_feed_close(&w));
    }
    REQUIRE_OK(reader(0));
    while (telem_feed_next(&rd, &item) == TELEM_OK) {
        CHECK(item.kind != TELEM_ITEM_MISSING && item.kind != TELEM_ITEM_DAMAGE);
        if (item.kind != TELEM_ITEM_ROW || item.stream->id != 3) continue;
        CHECK_EQ_INT(item.row, next++);
        CHECK_OK(telem_file_get(&item, &telem_file_health_schema, &h));
        CHECK(h.row_ns_worst >= 1000 && h.lost == 0);
    }
    CHECK_EQ_INT(next, rows);
    CHECK_OK(telem_feed_reader_close(&rd));
    dir_free(&kit);
}

/* A writer killed in front of, or in the middle of, each step that changes the directory or a file; a follower that
   read before goes on behind it, and so does a new writer. What was flushed is there; numbers have no hole and no
   repeat. */
static void kill_in_step(long step, int torn, long *steps) {
    telem_feed_writer_desc *d = feed_desc(torn ? TELEM_FILE_COLUMNS : TELEM_FILE_ROWS);
    static uint64_t n, flushed; /* static: longjmp */
    static account a, all;
    memset(&a, 0, sizeof a);
    memset(&all, 0, sizeof all);
    n = flushed = 0;
    d->rotate_bytes = 1500;
    d->file.block_bytes = 500;
    d->keep_files = 3;
    kit.owner = 1;
    kit.kill_at = step;
    kit.torn = torn;
    (void)reader(1);
    kit.owner = 1;
    if (setjmp(kit.killed) == 0) {
        telem_result r = telem_feed_open(&w, d);
        for (; r == TELEM_OK && n < 1500; n++) {
            r = put(&w, n);
            if (n % 100 == 99) {
                r = telem_file_writer_flush(&w.w);
                if (r == TELEM_OK) flushed = n + 1;
                kit.owner = 0;
                (void)account_read(&a, &rd, UINT64_MAX);
                kit.owner = 1;
            }
        }
        CHECK_OK(r);
        CHECK_OK(telem_feed_close(&w));
        flushed = n;
    }
    *steps = kit.steps;
    kit.kill_at = 0;
    dir_kill(&kit, 1);
    kit.owner = 0;
    (void)account_read(&a, &rd, UINT64_MAX);
    kit.owner = 2;
    d->file.memory = memory2;
    REQUIRE_OK(telem_feed_open(&w, d));
    CHECK(telem_file_stream_get_stats(&w.w, 1).rows == 0);
    n = 0;
    { /* goes on with the numbers that the feed has */
        uint64_t from = telem_file_next_row(&w.w, 1), slow = telem_file_next_row(&w.w, 2), k;
        CHECK(from >= flushed);
        for (k = from; k < from + 700; k++) {
            Fast x = fast_row(k);
            CHECK_OK(telem_feed_write(&w, 1, (int64_t)k * 1000, &x));
        }
        for (k = slow; k < slow + 50; k++) {
            Slow y;
            memset(&y, 0, sizeof y);
            y.n = k;
            y.y = (int16_t)(k * 7 % 1000);
            CHECK_OK(telem_feed_write(&w, 2, (int64_t)k * 7000 + 3, &y));
        }
        CHECK_OK(telem_feed_close(&w));
        kit.owner = 0;
        CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_AGAIN);
        CHECK_EQ_INT(a.next[1], from + 700);
        CHECK_EQ_INT(a.next[2], slow + 50);
        CHECK_EQ_INT(a.first[1] + a.rows[1] + a.missing[1], from + 700);
        if (flushed) CHECK_EQ_INT(a.first[1], 0);
        CHECK_EQ_INT(a.bad, 0);
    }
    CHECK_OK(telem_feed_reader_close(&rd));
    CHECK_EQ_INT(dir_count(&kit, ".new"), 0);
    REQUIRE_OK(reader(0)); /* what is kept reads as one */
    CHECK_EQ_INT(account_read(&all, &rd, UINT64_MAX), TELEM_END);
    CHECK_EQ_INT(all.bad, 0);
    CHECK_EQ_INT(all.next[1], a.next[1]);
    CHECK(all.ends >= all.sessions); /* the file of the one that was killed was closed, too, */
    CHECK_EQ_INT(all.damage, 0);          /* and half a block in it cut off */
    CHECK_OK(telem_feed_reader_close(&rd));
    decode_files(1);
    dir_free(&kit);
}

TEST(killed_in_any_step_of_rotation) {
    long step, steps = 0;
    int torn;
    for (torn = 0; torn < 2; torn++)
        for (step = 1, steps = 1; step <= steps + 7; step += check_quick() ? 7 : 1) { /* until it is not killed any more */
            kill_in_step(step, torn, &steps);
            if (check_g.bad) {
                printf("step %ld of %ld, torn %d\n", step, steps, torn);
                dir_free(&kit);
                return;
            }
        }
    CHECK(steps > 100);
    if (!check_quick()) printf("%ld steps\n", steps);
}

/* Writes rows [from, to) and closes. */
static void write_feed(telem_feed_writer_desc *d, uint64_t from, uint64_t to) {
    kit.owner = 1;
    REQUIRE_OK(telem_feed_open(&w, d));
    for (; from < to; from++) CHECK_OK(put(&w, from));
    CHECK_OK(telem_feed_close(&w));
    kit.owner = 0;
}

TEST(seeks_by_row_and_time_over_files) {
    enum { ROWS = 9000 };
    uint64_t rng = kit_seed(3);
    size_t c;
    int i, tries = check_quick() ? 12 : 100;
    for (c = 0; c < sizeof codings; c++) {
        slow_ahead = c == 1 ? 700 : 0; /* then rows that are sought may lie in the file before */
        write_feed(feed_desc(codings[c]), 0, ROWS);
        REQUIRE_OK(reader(0));
        for (i = 0; i < tries; i++) {
            account a;
            uint64_t at = kit_one_in(&rng, 6) ? 0 : kit_below(&rng, ROWS + 200);
            int by_time = kit_one_in(&rng, 2);
            telem_result end;
            memset(&a, 0, sizeof a);
            if (by_time) CHECK_OK(telem_feed_seek_time(&rd, kit_one_in(&rng, 2) ? "fast" : "slow", (int64_t)at * 1000));
            else CHECK_OK(telem_feed_seek_row(&rd, "fast", at));
            end = account_read(&a, &rd, UINT64_MAX);
            CHECK_EQ_INT(end, TELEM_END);
            CHECK_EQ_INT(a.bad, 0);
            CHECK_EQ_INT(a.rows[1], at < ROWS ? ROWS - at : 0);
            CHECK_EQ_INT(a.missing[1] + a.missing[2], 0);
            if (a.rows[1]) CHECK_EQ_INT(a.first[1], at);
            if (by_time && at < ROWS - 7) CHECK_EQ_INT(a.first[2], at < slow_ahead ? 0 : (at - slow_ahead + 6) / 7);
            if (by_time && at < ROWS - 7) CHECK_EQ_INT(a.next[2], (ROWS + 6) / 7);
            CHECK(a.sessions > 0);
        }
        slow_ahead = 0;
        CHECK_EQ_INT(telem_feed_seek_row(&rd, "none", 0), TELEM_ERR_NOT_FOUND);
        CHECK_OK(telem_feed_reader_close(&rd));
        dir_free(&kit);
    }
}

/* Who comes back for row n is told what is gone meanwhile. */
TEST(resumed_behind_removed_files_tells_what_is_gone) {
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS);
    account a;
    telem_feed_span span;
    d->keep_files = 3;
    write_feed(d, 0, 8000);
    REQUIRE_OK(reader(0));
    CHECK_OK(telem_feed_reader_span(&rd, "fast", &span));
    CHECK(span.first_row > 1000);
    CHECK_EQ_INT(span.end_row, 8000);
    CHECK_EQ_INT(span.first, (int64_t)span.first_row * 1000);
    CHECK_EQ_INT(span.last, 7999000);
    memset(&a, 0, sizeof a);
    CHECK_OK(telem_feed_seek_row(&rd, "fast", 500));
    CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_END);
    CHECK_EQ_INT(a.first[1], 500);
    CHECK_EQ_INT(a.missing[1], span.first_row - 500);
    CHECK_EQ_INT(a.rows[1], 8000 - span.first_row);
    CHECK_EQ_INT(a.bad, 0);
    CHECK_EQ_INT(telem_feed_reader_span(&rd, "none", &span), TELEM_ERR_NOT_FOUND);
    CHECK_OK(telem_feed_reader_close(&rd));
    dir_free(&kit);
}

TEST(from_now_on_means_what_comes_next) {
    telem_feed_writer_desc *d;
    size_t c;
    for (c = 0; c < sizeof codings; c++) {
        uint64_t n;
        account a;
        memset(&a, 0, sizeof a);
        d = feed_desc(codings[c]);
        kit.owner = 1;
        REQUIRE_OK(telem_feed_open(&w, d));
        for (n = 0; n < 5000; n++) CHECK_OK(put(&w, n));
        CHECK_OK(telem_file_writer_flush(&w.w));
        REQUIRE_OK(reader(1));
        CHECK_OK(telem_feed_seek_now(&rd));
        CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_AGAIN);
        CHECK_EQ_INT(a.rows[1] + a.rows[2], 0);
        CHECK_EQ_INT(a.sessions, 1);
        kit.owner = 1;
        for (; n < 9000; n++) {
            CHECK_OK(put(&w, n));
            if (n % 500 == 0) {
                kit.owner = 0;
                (void)account_read(&a, &rd, UINT64_MAX);
                kit.owner = 1;
            }
        }
        CHECK_OK(telem_feed_close(&w));
        CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_AGAIN);
        CHECK_EQ_INT(a.first[1], 5000);
        CHECK_EQ_INT(a.rows[1], 4000);
        CHECK_EQ_INT(a.rows[2], (9000 + 6) / 7 - (5000 + 6) / 7);
        CHECK_EQ_INT(a.bad + a.damage, 0);
        CHECK_EQ_INT(a.missing[1] + a.missing[2], 0);
        CHECK_OK(telem_feed_reader_close(&rd));
        dir_free(&kit);
    }
}

TEST(columns_are_read_across_files) {
    enum { ROWS = 6000 };
    static uint64_t n[ROWS], slow[ROWS];
    static int64_t t[ROWS];
    static float x[ROWS];
    static double y[ROWS];
    static uint32_t offsets[ROWS + 1];
    static char text[ROWS * 12];
    uint64_t rng = kit_seed(4), i, first, rows;
    int turn;
    telem_file_into c[3], one;
    telem_file_read q;
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_COLUMNS);
    d->file.block_rows = 300;
    write_feed(d, 0, ROWS);
    REQUIRE_OK(reader(0));
    for (turn = 0; turn < (check_quick() ? 8 : 60); turn++) {
        first = turn ? kit_below(&rng, ROWS - 1) : 0;
        rows = turn ? 1 + kit_below(&rng, (uint32_t)(ROWS - first)) : ROWS;
        memset(&q, 0, sizeof q);
        memset(c, 0, sizeof c);
        memset(n, 0xEE, sizeof n);
        c[0].column = 0, c[0].data = n;
        c[1].column = 1, c[1].data = turn % 2 ? (void *)y : (void *)x, c[1].physical = (uint8_t)(turn % 2);
        c[2].column = 2, c[2].data = text, c[2].offsets = offsets, c[2].data_size = sizeof text;
        q.first = first, q.rows = rows, q.times = t, q.columns = c, q.count = 3;
        CHECK_OK(telem_feed_read_columns(&rd, "fast", &q));
        CHECK_EQ_INT(q.got, rows);
        CHECK_EQ_INT(q.next, rows);
        for (i = 0; i < rows; i++) {
            Fast want = fast_row(first + i);
            double v = turn % 2 ? y[i] : (double)x[i];
            CHECK(n[i] == first + i && t[i] == (int64_t)(first + i) * 1000 && !(v < (double)want.x) && !(v > (double)want.x));
            CHECK(offsets[i + 1] - offsets[i] == want.s.len && memcmp(text + offsets[i], want.s.data, want.s.len) == 0);
        }
    }
    memset(&q, 0, sizeof q); /* beyond the end: what is there */
    memset(&one, 0, sizeof one);
    one.column = 0, one.data = slow;
    q.first = 100, q.rows = ROWS, q.columns = &one, q.count = 1;
    CHECK_OK(telem_feed_read_columns(&rd, "slow", &q));
    CHECK_EQ_INT(q.got, (ROWS + 6) / 7 - 100);
    CHECK_EQ_INT(slow[0], 100);
    CHECK_EQ_INT(telem_feed_read_columns(&rd, "none", &q), TELEM_ERR_NOT_FOUND);
    CHECK_OK(telem_feed_reader_close(&rd));
    dir_free(&kit);
}

#define FAST2_TABLE(F) \
    F(FIELD, u64, n, "", "the row's number") \
    F(FIELD, f64, x, "m", "noise") \
    F(STRING, s, 12, "some rows have one")
TELEM_DEFINE(Fast2, FAST2_TABLE, "many rows");
#define FAST3_TABLE(F) F(FIELD, u64, n, "", "") F(FIELD, f32, x, "cm", "") F(STRING, s, 12, "")
TELEM_DEFINE(Fast3, FAST3_TABLE, "");
#define FAST4_TABLE(F) F(FIELD, u64, n, "", "") F(FIELD, f32, x, "m", "") F(STRING, s, 12, "") F(FIELD, u8, more, "", "")
TELEM_DEFINE(Fast4, FAST4_TABLE, "");
#define FAST5_TABLE(F) F(FIELD, u64, n, "", "") F(SCALED, f32, x, "m", 0.5, 0.0, "") F(STRING, s, 12, "")
TELEM_DEFINE(Fast5, FAST5_TABLE, "");
#define FAST6_TABLE(F) F(FIELD, u64, n, "", "") F(FIELD, f32, z, "m", "") F(STRING, s, 12, "")
TELEM_DEFINE(Fast6, FAST6_TABLE, "");

TEST(other_schema_is_refused_with_the_field) {
    static const struct {
        const telem_schema *schema;
        const char *what;
    } others[] = {
        {&Fast2_schema, "stream fast field x: the type is F32 there and F64 here"},
        {&Fast3_schema, "stream fast field x: the unit is m there and cm here"},
        {&Fast4_schema, "stream fast field more is not there"},
        {&Fast5_schema, "stream fast field x: the scale is 1 there and 0.5 here"},
        {&Fast6_schema, "stream fast field x there is z here"},
        {&Slow_schema, "stream fast field x there is y here"},
    };
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS);
    size_t i;
    int files;
    write_feed(d, 0, 1000);
    files = dir_count(&kit, ".tlm");
    kit.owner = 1;
    for (i = 0; i < sizeof others / sizeof *others; i++) {
        the_streams[0].schema = others[i].schema;
        CHECK_EQ_INT(telem_feed_open(&w, d), TELEM_ERR_MISMATCH);
        CHECK_STR(telem_feed_writer_error(&w).what, others[i].what);
        CHECK_EQ_INT(dir_count(&kit, ".tlm"), files);
        CHECK_EQ_INT(dir_count(&kit, ".new"), 0);
    }
    the_streams[0].schema = &Fast_schema;
    the_streams[0].id = 7;
    CHECK_EQ_INT(telem_feed_open(&w, d), TELEM_ERR_MISMATCH);
    CHECK_STR(telem_feed_writer_error(&w).what, "stream fast has another id in the feed");
    the_streams[0].id = 1;
    the_streams[0].name = "quick";
    CHECK_EQ_INT(telem_feed_open(&w, d), TELEM_ERR_MISMATCH);
    CHECK_STR(telem_feed_writer_error(&w).what, "stream quick has the id of the feed's fast");
    the_streams[0].name = "fast";
    the_streams[0].schema = &Fast2_schema;
    d->may_change = 1;
    CHECK_OK(telem_feed_open(&w, d)); /* numbers go on all the same */
    CHECK_EQ_INT(peek_start_row(&w.w, 1), 1000);
    CHECK_OK(telem_feed_close(&w));
    dir_free(&kit);
}

TEST(second_writer_is_refused_until_the_first_is_gone) {
    static telem_feed_writer w2;
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS), d2;
    kit.owner = 1;
    REQUIRE_OK(telem_feed_open(&w, d));
    kit.owner = 2;
    d2 = *d;
    d2.file.memory = memory2;
    CHECK_EQ_INT(telem_feed_open(&w2, &d2), TELEM_ERR_BUSY);
    CHECK_STR(telem_feed_writer_error(&w2).what, "another writer has this feed: drive.lock");
    CHECK_EQ_INT(telem_feed_write(&w2, 1, 0, &d2), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_feed_poll(&w2), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_feed_close(&w2), TELEM_ERR_STATE);
    dir_kill(&kit, 1);
    CHECK_OK(telem_feed_open(&w2, &d2));
    CHECK_EQ_INT(w2.number, 2);
    CHECK_OK(telem_feed_close(&w2));
    dir_free(&kit);
}

/* A next file that cannot be begun costs nothing: rows go on into the old one. */
TEST(no_room_for_the_next_file_loses_nothing) {
    size_t c;
    int how;
    for (c = 0; c < sizeof codings; c++)
        for (how = 0; how < 2; how++) {
            telem_feed_writer_desc *d = feed_desc(codings[c]);
            uint64_t n;
            uint32_t before, failed = 0;
            account a;
            memset(&a, 0, sizeof a);
            d->file.block_bytes = 700;
            d->rotate_bytes = 4000;
            kit.owner = 1;
            REQUIRE_OK(telem_feed_open(&w, d));
            for (n = 0; n < 1500; n++) CHECK_OK(put(&w, n));
            before = w.number;
            kit.refuse = how ? TELEM_ERR_ACCESS : 0;
            for (; n < 3000; n++) {
                kit.now += 10000000; /* a retry now and then */
                CHECK_OK(put(&w, n));
                if (!how && n % 50 == 0) { /* just too little for the beginning of a file */
                    telem_result r;
                    CHECK_OK(telem_file_writer_flush(&w.w));
                    kit.space = (size_t)dir_total(&kit) + 20 + (size_t)(n % 1500);
                    w.due_bytes = 0;
                    w.not_before = 0;
                    r = telem_feed_poll(&w);
                    kit.space = 0;
                    if (w.w.error.code != TELEM_OK) CHECK_OK(telem_file_writer_clear(&w.w));
                    else CHECK(r == TELEM_ERR_SPACE || r == TELEM_OK);
                    failed += r == TELEM_ERR_SPACE;
                }
            }
            if (how) CHECK_EQ_INT(w.number, before);
            else CHECK(failed > 3);
            kit.refuse = 0;
            kit.now += 2000000000;
            for (; n < 4500; n++) CHECK_OK(put(&w, n));
            CHECK(w.number > before);
            CHECK_OK(telem_feed_close(&w));
            REQUIRE_OK(reader(0));
            CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_END);
            CHECK_EQ_INT(a.rows[1] + a.missing[1], 4500);
            if (how) CHECK_EQ_INT(a.rows[1], 4500);
            CHECK_EQ_INT(a.bad, 0);
            if (how) CHECK_EQ_INT(a.damage, 0);
            for (n = 0; n < 4500; n += 300) { /* an index that was begun anew finds all the same */
                memset(&a, 0, sizeof a);
                CHECK_OK(telem_feed_seek_row(&rd, "fast", n));
                CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_END);
                CHECK_EQ_INT(a.rows[1], 4500 - n);
                CHECK_EQ_INT(a.bad, 0);
            }
            CHECK_OK(telem_feed_reader_close(&rd));
            dir_free(&kit);
            if (check_g.bad) return;
        }
}

/* Any one call of a directory or a file fails once, in front of, in or behind a rotation: what is not of the file
   being written costs no row; of what is, each row that is not read is told, to the row. Behind it all goes on. */
static int clears;
static void write_next(uint32_t stream) { /* a row that carries the number it gets; an error is cleared */
    telem_result r;
    uint64_t n = telem_file_next_row(&w.w, stream);
    if (stream == 1) {
        Fast a = fast_row(n);
        r = telem_feed_write(&w, 1, (int64_t)n * 1000, &a);
    } else {
        Slow b;
        memset(&b, 0, sizeof b);
        b.n = n;
        b.y = (int16_t)(n * 7 % 1000);
        r = telem_feed_write(&w, 2, (int64_t)n * 7000, &b);
    }
    if (r == TELEM_OK) return;
    clears++;
    CHECK_EQ_INT(r, kit.fail_code);
    r = telem_file_writer_clear(&w.w);
    CHECK_OK(r == kit.fail_code ? telem_file_writer_clear(&w.w) : r);
}

static void note_begin(void *user, telem_file_writer *to) { /* each file begins with metadata and a row */
    telem_metadata m = TELEM_ZERO;
    (void)user;
    m.stream = TELEM_ALL_STREAMS;
    m.type = TELEM_VALUE_TEXT;
    m.key = "vehicle";
    m.data = "kestrel";
    (void)telem_file_write_metadata(to, &m);
    if (telem_file_next_row(to, 2)) {
        Slow b;
        uint64_t n = telem_file_next_row(to, 2);
        memset(&b, 0, sizeof b);
        b.n = n;
        b.y = (int16_t)(n * 7 % 1000);
        (void)telem_file_write(to, 2, (int64_t)n * 7000, &b);
    }
}

static void fail_calls(size_t c, long call, int more, long *calls) {
    telem_feed_writer_desc *d = feed_desc(codings[c]);
    account a;
    telem_result r;
    uint64_t i, lost[3], next[3];
    memset(&a, 0, sizeof a);
    clears = 0;
    kit.torn = (int)(call & 1);
    kit.fail_at = call;
    kit.fail_more = more;
    kit.fail_code = call % 3 == 0 ? TELEM_ERR_SPACE : call % 3 == 1 ? TELEM_ERR_IO : TELEM_ERR_ACCESS;
    d->file.block_bytes = 500;
    d->rotate_bytes = 1500;
    d->keep_files = 100;
    d->begin = note_begin;
    d->file.index_blocks = call % 2 ? 5 : 0;
    kit.owner = 1;
    r = telem_feed_open(&w, d);
    if (r != TELEM_OK) {
        CHECK_EQ_INT(r, kit.fail_code);
        CHECK_EQ_INT(dir_count(&kit, ".tlm"), 0);
        r = telem_feed_open(&w, d);
        REQUIRE_OK(r == kit.fail_code ? telem_feed_open(&w, d) : r);
    }
    for (i = 0; i < (codings[c] == TELEM_FILE_COLUMNS ? 3000 : 1000); i++) {
        write_next(1);
        if (i % 7 == 0) write_next(2);
        kit.now += 5000000; /* a rotation that failed is tried again after a second */
    }
    next[1] = telem_file_next_row(&w.w, 1);
    next[2] = telem_file_next_row(&w.w, 2);
    CHECK(w.number > 2);
    r = telem_feed_close(&w);
    if (r != TELEM_OK) CHECK_EQ_INT(r, kit.fail_code);
    lost[1] = telem_file_stream_get_stats(&w.w, 1).lost;
    lost[2] = telem_file_stream_get_stats(&w.w, 2).lost;
    *calls = kit.calls;
    CHECK(kit.failed || call > kit.calls);
    kit.fail_at = kit.fail_more = 0;
    d->begin = NULL;
    REQUIRE_OK(telem_feed_open(&w, d)); /* and the next writer finds nothing in its way */
    CHECK_OK(telem_feed_close(&w));
    REQUIRE_OK(reader(0));
    CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_END);
    CHECK_EQ_INT(a.bad, 0);
    for (i = 1; i <= 2; i++) {
        CHECK_EQ_INT(a.first[i], 0);
        CHECK_EQ_INT(a.rows[i] + a.missing[i] + (r == TELEM_OK ? 0 : next[i] - a.next[i]), next[i]);
        CHECK_EQ_INT(a.rows[i] + lost[i], next[i]);
    }
    if (!kit.costly) CHECK_EQ_INT(lost[1] + lost[2], 0);
    decode_files(!kit.costly);
    CHECK_OK(telem_feed_reader_close(&rd));
    CHECK_EQ_INT(dir_count(&kit, ".new"), 0);
    if (check_g.bad) printf("coding %d, call %ld of %ld: %d, the last: %s, %d clears\n", (int)codings[c], call, *calls, kit.failed, kit.failure, clears);
    dir_free(&kit);
}

TEST(any_call_may_fail_once) {
    size_t c;
    for (c = 0; c < sizeof codings; c++) {
        long call, calls = 1;
        for (call = 1; call <= calls + 3 && !check_g.bad; call += check_quick() ? 13 : 1) fail_calls(c, call, (int)(call % 4), &calls);
        CHECK(calls > 100);
    }
}

/* ---- attachments: their bytes follow from id and place ---- */

static uint8_t attached_byte(uint64_t id, uint64_t at) { return (uint8_t)((id * 31u + at * 7u) ^ (at >> 8)); }

typedef struct pieces { /* of one attachment, as they come */
    uint64_t id, bytes, missing;
    int whole, ends, cut, bad, pieces;
} pieces;

static void take_piece(pieces *p, const telem_file_item *item) {
    const telem_attachment *a = item->attachment;
    const uint8_t *b = (const uint8_t *)a->data;
    uint32_t i;
    p->pieces++;
    p->bad += a->offset != p->bytes + p->missing + (item->error.code == TELEM_ERR_TRUNCATED ? 0 : a->missing);
    p->missing += a->missing;
    if (item->error.code == TELEM_ERR_TRUNCATED) p->cut++;
    else p->bytes += a->size;
    for (i = 0; i < a->size; i++) p->bad += b[i] != attached_byte(a->id, a->offset + i);
    if (a->last) {
        p->ends++;
        p->whole += a->whole;
        p->bad += a->name_len != 5 || memcmp(a->name, "cloud", 5) != 0;
    }
}

/* All that the feed has, by items or by headers only. */
static telem_result take_pieces(pieces *p, size_t n, uint64_t id, int headers) {
    telem_file_item item;
    telem_result r;
    size_t i;
    while ((r = headers ? telem_feed_next_attachment(&rd, id, &item) : telem_feed_next(&rd, &item)) == TELEM_OK) {
        if (item.kind != TELEM_ITEM_ATTACHMENT) continue;
        for (i = 0; i < n && p[i].id != item.attachment->id; i++) {
        }
        CHECK(i < n);
        if (i < n) take_piece(&p[i], &item);
    }
    return r;
}

static telem_result attach_some(telem_file_attaching *a, size_t n) {
    uint8_t part[700];
    size_t i;
    for (i = 0; i < n; i++) part[i] = attached_byte(a->id, a->offset + i);
    return telem_file_attach(&w.w, a, part, n);
}

/* Three at a time, rows between, many rotations. One is never ended. */
static void attach_over_rotations(uint8_t coding, int killed) {
    static telem_file_attaching a[3]; /* static: the writer is killed */
    telem_feed_writer_desc *d = feed_desc(coding);
    pieces p[3], q[3], one;
    uint64_t sizes[3] = {20000, 7000, 3000}, n = 0, rng = kit_seed(9), row_ids[3];
    int i, k;
    telem_file_item item;
    memset(p, 0, sizeof p);
    memset(q, 0, sizeof q);
    d->rotate_bytes = 2500;
    kit.owner = 1;
    CHECK_EQ_INT(reader(1), TELEM_AGAIN); /* a follower is there from the start */
    kit.owner = 1;
    REQUIRE_OK(telem_feed_open(&w, d));
    for (i = 0; i < 3; i++) {
        CHECK_OK(telem_file_attach_begin(&w.w, &a[i], i == 1 ? UINT64_MAX - 5 : 0, "cloud", "x/y", i == 1 ? TELEM_FILE_UNKNOWN : sizes[i]));
        p[i].id = q[i].id = row_ids[i] = a[i].id;
    }
    CHECK(row_ids[0] != row_ids[2]);
    CHECK_OK(attach_some(&a[0], 600)); /* it begins in the first file, whatever the seed */
    while (a[0].offset < sizes[0] || a[1].offset < sizes[1]) {
        i = (int)kit_below(&rng, 3);
        k = (int)kit_below(&rng, 700);
        if ((uint64_t)k > sizes[i] - a[i].offset) k = (int)(sizes[i] - a[i].offset);
        if (i < 2 || (uint64_t)k < sizes[i] - a[i].offset) CHECK_OK(attach_some(&a[i], (size_t)k)); /* the third is never whole */
        CHECK_OK(put(&w, n++));
        CHECK_OK(telem_feed_poll(&w));
        if (kit_one_in(&rng, 9)) {
            kit.owner = 0;
            CHECK_EQ_INT(take_pieces(p, 3, 0, 0), TELEM_AGAIN);
            kit.owner = 1;
        }
    }
    CHECK(w.number > 8);
    CHECK_OK(telem_file_attach_end(&w.w, &a[0]));
    CHECK_OK(telem_file_attach_end(&w.w, &a[1]));
    CHECK_EQ_INT(telem_file_attach_end(&w.w, &a[2]), TELEM_ERR_STATE);
    if (killed) {
        telem_file_attaching late;
        memset(&late, 0, sizeof late);
        CHECK_OK(telem_file_writer_flush(&w.w));
        dir_kill(&kit, 1);
        kit.owner = 2;
        d->file.memory = memory2;
        REQUIRE_OK(telem_feed_open(&w, d)); /* goes on with the feed, not with the attachment */
        d->file.memory = memory;
        CHECK_OK(telem_file_attach_begin(&w.w, &late, 0, "cloud", "", 0));
        for (i = 0; i < 3; i++) CHECK(late.id != row_ids[i]);
    } else CHECK_OK(telem_feed_rotate(&w));
    CHECK_OK(telem_feed_close(&w));
    kit.owner = 0;
    if (!killed) CHECK_EQ_INT(take_pieces(p, 3, 0, 0), TELEM_AGAIN);
    CHECK_OK(telem_feed_reader_close(&rd));
    if (killed) {
        dir_free(&kit);
        return;
    }
    REQUIRE_OK(reader(0));
    CHECK_EQ_INT(take_pieces(q, 3, 0, 0), TELEM_END);
    for (i = 0; i < 3; i++) {
        CHECK_EQ_INT(p[i].bytes, a[i].offset);
        CHECK_EQ_INT(q[i].bytes, a[i].offset);
        CHECK_EQ_INT(p[i].bad + q[i].bad, 0);
        CHECK_EQ_INT(p[i].whole, i < 2);
        CHECK_EQ_INT(q[i].whole, i < 2);
        CHECK_EQ_INT(p[i].cut, 0); /* it may still go on */
        CHECK_EQ_INT(q[i].cut, i == 2);
        CHECK_EQ_INT(q[i].missing, i == 2 ? sizes[2] - a[2].offset : 0);
    }
    for (i = 2; i >= 0; i--) { /* by its id, by headers */
        memset(&one, 0, sizeof one);
        one.id = row_ids[i];
        CHECK_OK(telem_feed_seek_attachment(&rd, one.id));
        CHECK_EQ_INT(take_pieces(&one, 1, one.id, 1), TELEM_END);
        CHECK_EQ_INT(one.bytes, a[i].offset);
        CHECK_EQ_INT(one.whole, i < 2);
        CHECK_EQ_INT(one.cut, i == 2);
        CHECK_EQ_INT(one.bad, 0);
    }
    CHECK_EQ_INT(telem_feed_seek_attachment(&rd, (uint64_t)9999 << 32 | 1u), TELEM_ERR_NOT_FOUND);
    CHECK_OK(telem_feed_seek_row(&rd, "fast", 3)); /* rows go on as ever */
    do REQUIRE_OK(telem_feed_next(&rd, &item));
    while (item.kind != TELEM_ITEM_ROW || item.stream->id != 1);
    CHECK_EQ_INT(item.row, 3);
    CHECK_OK(telem_feed_reader_close(&rd));
    for (i = 1; i <= 2; i++) { /* older files go: what is left of it is told as that */
        char name[40];
        snprintf(name, sizeof name, "drive.%06d.tlm", i);
        CHECK_OK(dir_remove(&kit, name));
    }
    REQUIRE_OK(reader(0));
    memset(q, 0, sizeof q);
    for (i = 0; i < 3; i++) q[i].id = row_ids[i];
    CHECK_EQ_INT(take_pieces(q, 3, 0, 1), TELEM_END);
    CHECK_EQ_INT(q[0].bytes + q[0].missing, sizes[0]);
    CHECK(q[0].missing > 0);
    CHECK_EQ_INT(q[0].whole + q[0].bad, 0);
    CHECK_EQ_INT(q[0].ends, 1);
    CHECK_EQ_INT(telem_feed_seek_attachment(&rd, row_ids[0]), TELEM_ERR_NOT_FOUND);
    CHECK_OK(telem_feed_seek_attachment(&rd, row_ids[1])); /* one of the caller's own may begin anywhere */
    CHECK_OK(telem_feed_reader_close(&rd));
    dir_free(&kit);
}

TEST(attachments_go_on_over_rotations) {
    size_t c;
    for (c = 0; c < sizeof codings; c++) attach_over_rotations(codings[c], 0);
    attach_over_rotations(TELEM_FILE_COLUMNS, 1);
}

/* A writer that was killed does not end its attachment: its file tells, and nothing of a later one belongs to it. */
TEST(attachment_of_a_killed_writer_is_cut) {
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS);
    telem_file_attaching a;
    pieces p;
    int closed;
    for (closed = 0; closed < 2; closed++) {
        memset(&p, 0, sizeof p);
        d = feed_desc(TELEM_FILE_ROWS);
        kit.owner = 1;
        REQUIRE_OK(telem_feed_open(&w, d));
        CHECK_OK(telem_file_attach_begin(&w.w, &a, 0, "cloud", NULL, 5000));
        p.id = a.id;
        CHECK_OK(attach_some(&a, 600));
        CHECK_OK(telem_feed_rotate(&w));
        CHECK_OK(attach_some(&a, 600));
        dir_kill(&kit, 1);
        kit.owner = 2;
        if (closed) {
            d->file.memory = memory2;
            REQUIRE_OK(telem_feed_open(&w, d));
            CHECK_OK(telem_feed_close(&w));
        }
        REQUIRE_OK(reader(0));
        CHECK_EQ_INT(take_pieces(&p, 1, 0, 0), TELEM_END);
        CHECK_EQ_INT(p.bytes, 1200);
        CHECK_EQ_INT(p.cut, 1);
        CHECK_EQ_INT(p.missing, 3800);
        CHECK_EQ_INT(p.bad, 0);
        CHECK_OK(telem_feed_reader_close(&rd));
        dir_free(&kit);
    }
}

/* Other people's files among a feed's, cut and forged ones, names that look alike. */
TEST(strangers_in_the_directory_do_no_harm) {
    static const char *const names[] = {"drive.0000002.tlm", "drive.2.tlm", "drive.-00001.tlm", "drive..000001.tlm", "Drive.000001.tlm", "drive.000001.tlm~",
                                        ".drive.000001.tlm", "drive.000001.TLM", "drive.99999999999.tlm", "\xFF\xFE\n.000001.tlm", "drive", "drive.tlm",
                                        "-rf.000001.tlm", "drive.lock.000001.tlm.gone", "drive.000001.tlm.gone", "drive.00001a.tlm", ".000001.tlm", "drive .000001.tlm"};
    static uint8_t bytes[20000], copy[20000];
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS);
    account a;
    size_t i, n_copy;
    int at;
    uint64_t rng = kit_seed(5);
    for (i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)check_rand(&rng);
    for (i = 0; i < sizeof names / sizeof *names; i++) dir_put(&kit, names[i], bytes, 100 + i);
    d->keep_files = 6;
    d->rotate_bytes = 2000;
    d->file.block_bytes = 700;
    write_feed(d, 0, 3000);
    CHECK(w.files_removed > 0);
    for (i = 0; i < sizeof names / sizeof *names; i++) CHECK(dir_find(&kit, names[i]) >= 0);
    at = dir_find(&kit, w.file);
    REQUIRE(at >= 0);
    n_copy = kit.file[at].inode->size;
    memcpy(copy, kit.file[at].inode->data, n_copy);
    dir_put(&kit, "drive.000001.tlm", bytes, sizeof bytes); /* noise before the first */
    dir_put(&kit, "drive.000000.tlm", bytes, 0);
    {
        char name[40];
        snprintf(name, sizeof name, "drive.%06u.tlm", (unsigned)w.number + 1);
        dir_put(&kit, name, copy, n_copy); /* a file under another number */
        snprintf(name, sizeof name, "drive.%06u.tlm", (unsigned)w.number + 2);
        dir_put(&kit, name, bytes, 50);
        snprintf(name, sizeof name, "drive.%06u.tlm", (unsigned)w.number + 3);
        dir_put(&kit, name, copy, 60); /* cut in its header */
    }
    write_feed(d, 3000, 6000); /* goes on behind all of them */
    { /* one of another sequence */
        static dir_kit other;
        telem_feed_writer_desc d2 = *d;
        telem_dir od = dir_of(&other);
        int k;
        char name[40];
        d2.dir = &od;
        other.owner = 1;
        d2.file.memory = memory2;
        REQUIRE_OK(telem_feed_open(&w, &d2));
        CHECK_OK(put(&w, 0));
        CHECK_OK(telem_feed_close(&w));
        k = dir_find(&other, "drive.000001.tlm");
        REQUIRE(k >= 0);
        dir_put(&kit, "drive.000001.tlm", other.file[k].inode->data, other.file[k].inode->size);
        snprintf(name, sizeof name, "drive.%06u.tlm", 2u);
        dir_put(&kit, name, other.file[k].inode->data, other.file[k].inode->size);
        dir_free(&other);
    }
    REQUIRE_OK(reader(0));
    memset(&a, 0, sizeof a);
    CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_END);
    CHECK(a.damage >= 3);
    CHECK_EQ_INT(a.bad, 0);
    CHECK_EQ_INT(a.next[1], 6000);
    CHECK_EQ_INT(a.missing[1], 0);
    memset(&a, 0, sizeof a);
    CHECK_OK(telem_feed_seek_row(&rd, "fast", 5990));
    CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_END);
    CHECK_EQ_INT(a.rows[1], 10);
    CHECK_OK(telem_feed_reader_close(&rd));
    kit.owner = 1;
    REQUIRE_OK(telem_feed_open(&w, d)); /* removes old files, but not what is not the feed's */
    CHECK_OK(telem_feed_rotate(&w));
    CHECK_OK(telem_feed_close(&w));
    CHECK(w.files_removed > 0);
    CHECK(dir_find(&kit, "drive.000000.tlm") >= 0 && dir_find(&kit, "drive.000001.tlm") >= 0 && dir_find(&kit, "drive.000002.tlm") >= 0);
    dir_put(&kit, "drive.4294967295.tlm", bytes, 9); /* nor does the highest number that there is */
    kit.owner = 1;
    REQUIRE_OK(telem_feed_open(&w, d));
    CHECK_EQ_INT(telem_file_next_row(&w.w, 1), 6000);
    CHECK(w.number < 100);
    CHECK_OK(telem_feed_close(&w));
    dir_free(&kit);
}

/* Numbers that other people's files have are passed over, by writers and by those who follow. */
TEST(taken_numbers_are_passed_over) {
    static const char noise[] = "not a file of the feed";
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS);
    account a;
    uint64_t n = 0, sequence;
    int i;
    memset(&a, 0, sizeof a);
    d->rotate_bytes = UINT64_MAX;
    kit.owner = 1;
    REQUIRE_OK(telem_feed_open(&w, d));
    sequence = w.w.desc.sequence;
    for (; n < 100; n++) CHECK_OK(put(&w, n));
    CHECK_OK(telem_file_writer_flush(&w.w));
    REQUIRE_OK(reader(1));
    CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_AGAIN);
    dir_put(&kit, "drive.010000.tlm", noise, sizeof noise);
    dir_put(&kit, "drive.000003.tlm", noise, sizeof noise);
    dir_put(&kit, "drive.000004.tlm", noise, 0);
    CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_AGAIN);
    for (i = 0; i < 3; i++) {
        kit.owner = 1;
        for (; n < 200u + 100u * (unsigned)i; n++) CHECK_OK(put(&w, n));
        CHECK_OK(telem_feed_rotate(&w));
        kit.owner = 0;
        CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_AGAIN);
        CHECK_EQ_INT(a.next[1], n);
    }
    CHECK_EQ_INT(w.number, 6); /* 2, 5, 6 */
    CHECK_EQ_INT(kit.file[dir_find(&kit, "drive.000003.tlm")].inode->size, sizeof noise);
    CHECK_EQ_INT(kit.file[dir_find(&kit, "drive.000004.tlm")].inode->size, 0);
    kit.owner = 1;
    CHECK_OK(telem_feed_close(&w));
    REQUIRE_OK(telem_feed_open(&w, d));
    CHECK_EQ_INT(w.w.desc.sequence, sequence);
    CHECK_EQ_INT(telem_file_next_row(&w.w, 1), n);
    CHECK_EQ_INT(w.number, 7);
    for (; n < 600; n++) CHECK_OK(put(&w, n));
    CHECK_OK(telem_feed_close(&w));
    kit.owner = 0;
    CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_AGAIN);
    CHECK_EQ_INT(a.rows[1], n);
    CHECK_EQ_INT(a.bad, 0);
    CHECK_EQ_INT(a.missing[1] + a.missing[2], 0);
    CHECK_OK(telem_feed_reader_close(&rd));
    dir_free(&kit);
}

/* A list that lacks a file which got its name meanwhile is not believed: a later one is there, so that one is, too. */
static char lacking[16];
static int listed;
static void rotate_twice(void) {
    int i;
    kit.on_list = NULL;
    kit.owner = 1;
    snprintf(lacking, sizeof lacking, "%06u", (unsigned)w.number + 1u);
    for (i = 0; i < 2; i++) {
        CHECK_OK(telem_feed_rotate(&w));
        CHECK_OK(put(&w, raced++));
    }
    CHECK_OK(telem_file_writer_flush(&w.w));
    kit.lacks = lacking;
    kit.lacks_once = 1;
    kit.owner = 0;
    listed++;
}
TEST(a_list_that_lacks_a_file_is_not_believed) {
    account a;
    int round, lists = 0;
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS);
    memset(&a, 0, sizeof a);
    raced = 0;
    listed = 0;
    d->rotate_bytes = UINT64_MAX;
    kit.owner = 1;
    REQUIRE_OK(telem_feed_open(&w, d));
    REQUIRE_OK(reader(1));
    for (round = 0; round < 20; round++) {
        kit.on_list = rotate_twice;
        CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_AGAIN);
        lists += kit.on_list == NULL;
    }
    kit.on_list = NULL;
    kit.lacks = NULL;
    CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_AGAIN);
    CHECK(lists > 0 && lists == listed);
    CHECK_EQ_INT(a.rows[1], raced);
    CHECK_EQ_INT(a.bad + a.damage, 0);
    CHECK_EQ_INT(a.missing[1] + a.missing[2], 0);
    CHECK_OK(telem_feed_reader_close(&rd));
    kit.owner = 1;
    CHECK_OK(telem_feed_close(&w));
    dir_free(&kit);
}

/* Nor does a writer believe it: it would give numbers of rows again. Retention removes too little then, never too much. */
TEST(a_writer_does_not_go_on_behind_an_incomplete_list) {
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS);
    account a;
    uint64_t n = 0;
    char newest[TELEM_FEED_FILE_MAX + 1u];
    d->rotate_bytes = 2000;
    d->file.block_bytes = 700;
    write_feed(d, 0, 3000);
    memcpy(newest, w.file, sizeof newest);
    kit.owner = 1;
    kit.lacks_once = 0;
    kit.lacks = newest; /* the newest one; all */
    CHECK_EQ_INT(telem_feed_open(&w, d), TELEM_ERR_IO);
    kit.lacks = "drive.";
    CHECK_EQ_INT(telem_feed_open(&w, d), TELEM_ERR_IO);
    kit.lacks = NULL;
    d->keep_files = 4;
    REQUIRE_OK(telem_feed_open(&w, d));
    CHECK_EQ_INT(telem_file_next_row(&w.w, 1), 3000);
    for (n = 3000; n < 6000; n++) {
        kit.lacks = n % 3 ? "2.tlm" : n % 7 ? "drive." : NULL;
        CHECK_OK(put(&w, n));
        CHECK(dir_count(&kit, ".tlm") >= 4);
    }
    kit.lacks = NULL;
    CHECK_OK(telem_feed_rotate(&w));
    CHECK_EQ_INT(dir_count(&kit, ".tlm"), 4);
    CHECK_OK(telem_feed_close(&w));
    kit.owner = 0;
    REQUIRE_OK(reader(0));
    memset(&a, 0, sizeof a);
    CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_END);
    CHECK_EQ_INT(a.next[1], 6000);
    CHECK_EQ_INT(a.bad, 0);
    CHECK_OK(telem_feed_reader_close(&rd));
    dir_free(&kit);
}

/* Files that other people put behind the newest one cost no file of the feed its place. */
TEST(strangers_with_high_numbers_take_no_files_place) {
    static const uint8_t noise[5000] = {1};
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS);
    uint64_t n;
    d->rotate_bytes = 2000;
    d->file.block_bytes = 700;
    d->keep_files = 5;
    kit.owner = 1;
    dir_put(&kit, "drive.900000.tlm", noise, sizeof noise);
    dir_put(&kit, "drive.900001.tlm", noise, sizeof noise);
    dir_put(&kit, "drive.4294967295.tlm", noise, sizeof noise);
    REQUIRE_OK(telem_feed_open(&w, d));
    for (n = 0; n < 4000; n++) CHECK_OK(put(&w, n));
    CHECK(w.number > 6);
    CHECK_EQ_INT(dir_count(&kit, ".tlm"), 8);
    CHECK_OK(telem_feed_close(&w));
    dir_free(&kit);
}

/* An io error while an existing feed is opened is answered; never does the feed begin anew because of one. With a
   killed writer before, its file is closed by whichever open comes through. */
TEST(errors_of_an_open_begin_no_other_feed) {
    long call, calls = 1;
    for (call = 1; call <= calls + 1 && !check_g.bad; call++) {
        telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS);
        uint64_t n, sequence;
        account a;
        telem_result r;
        memset(&a, 0, sizeof a);
        d->rotate_bytes = 1500;
        d->file.block_bytes = 500;
        kit.owner = 1;
        REQUIRE_OK(telem_feed_open(&w, d));
        for (n = 0; n < 300; n++) CHECK_OK(put(&w, n));
        CHECK_OK(telem_file_writer_flush(&w.w));
        sequence = w.w.desc.sequence;
        dir_kill(&kit, 1);
        kit.owner = 2;
        d->file.memory = memory2;
        kit.calls = 0;
        kit.fail_at = call;
        kit.fail_code = TELEM_ERR_IO;
        r = telem_feed_open(&w, d);
        calls = kit.calls > calls ? kit.calls : calls;
        kit.fail_at = 0;
        if (r != TELEM_OK) {
            CHECK_EQ_INT(r, TELEM_ERR_IO);
            CHECK(telem_feed_writer_error(&w).what != NULL);
            REQUIRE_OK(telem_feed_open(&w, d));
        }
        CHECK_EQ_INT(w.w.desc.sequence, sequence);
        CHECK_EQ_INT(telem_file_next_row(&w.w, 1), 300);
        for (; n < 400; n++) CHECK_OK(put(&w, n));
        CHECK_OK(telem_feed_close(&w));
        REQUIRE_OK(reader(0));
        CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_END);
        CHECK_EQ_INT(a.rows[1], 400);
        CHECK_EQ_INT(a.bad, 0);
        CHECK_OK(telem_feed_reader_close(&rd));
        if (check_g.bad) printf("call %ld of %ld: %s, answered %d\n", call, calls, kit.failure, (int)r);
        dir_free(&kit);
    }
    CHECK(calls > 20);
}

/* A file of the feed whose checks hold tells of rows up to where numbers end. */
TEST(row_numbers_without_end_are_refused) {
    telem_feed_writer_desc *d;
    telem_file_writer_desc wd;
    telem_file_stream_desc sd = the_streams[0];
    telem_io io;
    telem_memory_io st;
    size_t size;
    int i, f;
    for (i = 0; i < 2; i++) {
        d = feed_desc(TELEM_FILE_ROWS);
        kit.owner = 1;
        REQUIRE_OK(telem_feed_open(&w, d));
        CHECK_OK(put(&w, 0));
        CHECK_OK(telem_file_writer_flush(&w.w));
        poke_next_row(&w.w, 1, i ? (uint64_t)1 << 63 : UINT64_MAX - 4u);
        CHECK_OK(put(&w, 1));
        CHECK_OK(telem_feed_close(&w));
        f = dir_find(&kit, "drive.000001.tlm");
        size = kit.file[f].inode->size;
        CHECK_EQ_INT(telem_feed_open(&w, d), TELEM_ERR_LIMIT);
        CHECK(strstr(telem_feed_writer_error(&w).what, "next row number is above 2^63") != NULL);
        CHECK_EQ_INT(kit.file[f].inode->size, size);
        dir_free(&kit);
    }
    memset(&wd, 0, sizeof wd);
    io = telem_io_memory(&st, memory2, sizeof memory2 / 2);
    wd.io = &io;
    wd.memory = memory;
    wd.memory_size = sizeof memory;
    wd.coding = TELEM_FILE_ROWS;
    sd.clock = 0;
    sd.schema = the_desc.streams[0].schema;
    sd.start_row = ((uint64_t)1 << 63) + 1u;
    REQUIRE_OK(telem_file_writer_open(&w.w, &wd));
    CHECK_EQ_INT(telem_file_add_stream(&w.w, &sd), TELEM_ERR_LIMIT);
    sd.start_row--;
    CHECK_OK(telem_file_add_stream(&w.w, &sd));
    CHECK_OK(telem_file_writer_close(&w.w));
}

TEST(files_that_were_not_acknowledged_stay) {
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS);
    static const char forged[] = "telem-ack 0000000099 00000000\n";
    uint64_t n;
    d->keep_files = 2;
    d->keep_unread = 1;
    d->rotate_bytes = 2000;
    d->file.block_bytes = 700;
    kit.owner = 1;
    REQUIRE_OK(telem_feed_open(&w, d));
    for (n = 0; n < 4000; n++) CHECK_OK(put(&w, n));
    CHECK_EQ_INT(w.files_removed, 0);
    CHECK(w.number > 6);
    dir_put(&kit, "drive.ack", forged, 30); /* says nothing */
    CHECK_OK(telem_feed_rotate(&w));
    CHECK_EQ_INT(w.files_removed, 0);
    CHECK_OK(telem_feed_acknowledge(&dir, "drive", 3));
    CHECK_OK(telem_feed_acknowledge(&dir, "drive", 2)); /* never back */
    CHECK_OK(telem_feed_rotate(&w));
    CHECK_EQ_INT(w.files_removed, 3);
    CHECK_EQ_INT(dir_find(&kit, "drive.000003.tlm"), -1);
    CHECK(dir_find(&kit, "drive.000004.tlm") >= 0);
    CHECK_OK(telem_feed_acknowledge(&dir, "drive", 4000000000u));
    CHECK_OK(telem_feed_rotate(&w));
    CHECK_EQ_INT(dir_count(&kit, ".tlm"), 2);
    CHECK_EQ_INT(telem_feed_acknowledge(&dir, "../drive", 4), TELEM_ERR_ARG);
    CHECK_OK(telem_feed_close(&w));
    dir_free(&kit);
}

TEST(old_and_large_feeds_are_cut_to_size) {
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS);
    uint64_t n;
    kit.now = 1000000000000000;
    d->keep_ns = 100000000000u;
    d->rotate_ns = 10000000000u;
    d->rotate_bytes = UINT64_MAX;
    kit.owner = 1;
    REQUIRE_OK(telem_feed_open(&w, d));
    for (n = 0; n < 400; n++) { /* a row a second, a file every ten */
        kit.now += 1000000000;
        CHECK_OK(put(&w, n));
        CHECK_OK(telem_file_writer_flush(&w.w));
        CHECK_OK(telem_feed_poll(&w));
    }
    CHECK(w.number >= 37 && w.number <= 41);
    CHECK(dir_count(&kit, ".tlm") >= 10 && dir_count(&kit, ".tlm") <= 13);
    for (n = 0; n < 20; n++) { /* nothing is written: no empty files */
        kit.now += 100000000000;
        CHECK_OK(telem_feed_poll(&w));
    }
    CHECK(w.number <= 42);
    CHECK_OK(telem_feed_close(&w));
    dir_free(&kit);
    d = feed_desc(TELEM_FILE_ROWS);
    d->keep_bytes = 30000;
    write_feed(d, 0, 9000);
    CHECK(dir_total(&kit) > 22000 && dir_total(&kit) < 38000);
    d->keep_bytes = 1; /* never the file at hand */
    kit.owner = 1;
    REQUIRE_OK(telem_feed_open(&w, d));
    CHECK_EQ_INT(dir_count(&kit, ".tlm"), 1);
    CHECK_OK(put(&w, 9000));
    CHECK_OK(telem_feed_close(&w));
    dir_free(&kit);
}

TEST(feeds_are_listed_with_their_files) {
    static const char *const names[] = {"zeta", "alpha", "mid-way_2.x"};
    telem_feed_info info[4];
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_MINI);
    size_t i;
    dir = dir_of(&kit);
    CHECK_EQ_INT(telem_feed_list(&dir, info, 4), 0);
    for (i = 0; i < 3; i++) {
        kit.now = 1000 + (int64_t)i;
        d->name = names[i];
        write_feed(d, 0, 400 * (i + 1));
    }
    dir_put(&kit, "notes.txt", "x", 1);
    REQUIRE(telem_feed_list(&dir, info, 4) == 3);
    CHECK_STR(info[0].name, "alpha");
    CHECK_STR(info[1].name, "mid-way_2.x");
    CHECK_STR(info[2].name, "zeta");
    CHECK_EQ_INT(info[0].first, 1);
    CHECK_EQ_INT(info[0].last, info[0].files);
    CHECK_EQ_INT(info[0].modified, 1001);
    CHECK_EQ_INT(info[0].bytes + info[1].bytes + info[2].bytes + 1, dir_total(&kit));
    CHECK_EQ_INT(telem_feed_list(&dir, info, 2), TELEM_ERR_LIMIT);
    dir_free(&kit);
}

TEST(bad_descs_are_refused) {
    static const char *const names[] = {"", ".", "..", "a/b", "a\\b", "-x", ".x", "x.", "a b", "\xC3\xA4", "x:y",
                                        "1234567890123456789012345678901234567890123456789012345678901234"};
    telem_feed_writer_desc *d = feed_desc(TELEM_FILE_ROWS);
    size_t i;
    kit.owner = 1;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        d->name = names[i];
        CHECK_EQ_INT(telem_feed_open(&w, d), TELEM_ERR_ARG);
    }
    d->name = "drive";
    d->file.memory_size = 100;
    CHECK_EQ_INT(telem_feed_open(&w, d), TELEM_ERR_MEMORY);
    d->file.memory_size = sizeof memory;
    d->dir = NULL;
    CHECK_EQ_INT(telem_feed_open(&w, d), TELEM_ERR_ARG);
    CHECK_EQ_INT(dir_count(&kit, ".tlm") + dir_count(&kit, ".new"), 0);
    CHECK_EQ_INT(reader(0), TELEM_ERR_NOT_FOUND);
    CHECK_EQ_INT(telem_feed_reader_close(&rd), TELEM_ERR_STATE);
    dir_free(&kit);
}

/* A file of its own is a feed of one. */
TEST(one_file_is_read_as_a_feed) {
    account a;
    int at;
    write_feed(feed_desc(TELEM_FILE_ROWS), 0, 500);
    at = dir_find(&kit, "drive.000001.tlm");
    REQUIRE(at >= 0);
    strcpy(kit.file[at].name, "x y.tlm");
    {
        telem_feed_reader_desc d = TELEM_ZERO;
        d.dir = &dir;
        d.name = "x y.tlm";
        d.memory = reader_memory;
        d.memory_size = sizeof reader_memory;
        REQUIRE_OK(telem_feed_reader_open(&rd, &d));
    }
    memset(&a, 0, sizeof a);
    CHECK_OK(telem_feed_seek_row(&rd, "fast", 400));
    CHECK_EQ_INT(account_read(&a, &rd, UINT64_MAX), TELEM_END);
    CHECK_EQ_INT(a.rows[1], 100);
    CHECK_OK(telem_feed_reader_close(&rd));
    dir_free(&kit);
}

int main(void) {
    RUN(rotated_files_read_as_one);
    RUN(follower_sees_each_row_once);
    RUN(rows_written_while_the_next_file_is_looked_for_are_read);
    RUN(a_list_that_lacks_a_file_is_not_believed);
    RUN(a_writer_does_not_go_on_behind_an_incomplete_list);
    RUN(strangers_with_high_numbers_take_no_files_place);
    RUN(health_is_a_stream_of_the_feed);
    RUN(killed_in_any_step_of_rotation);
    RUN(seeks_by_row_and_time_over_files);
    RUN(resumed_behind_removed_files_tells_what_is_gone);
    RUN(from_now_on_means_what_comes_next);
    RUN(columns_are_read_across_files);
    RUN(other_schema_is_refused_with_the_field);
    RUN(second_writer_is_refused_until_the_first_is_gone);
    RUN(no_room_for_the_next_file_loses_nothing);
    RUN(any_call_may_fail_once);
    RUN(attachments_go_on_over_rotations);
    RUN(attachment_of_a_killed_writer_is_cut);
    RUN(strangers_in_the_directory_do_no_harm);
    RUN(taken_numbers_are_passed_over);
    RUN(errors_of_an_open_begin_no_other_feed);
    RUN(row_numbers_without_end_are_refused);
    RUN(files_that_were_not_acknowledged_stay);
    RUN(old_and_large_feeds_are_cut_to_size);
    RUN(feeds_are_listed_with_their_files);
    RUN(bad_descs_are_refused);
    RUN(one_file_is_read_as_a_feed);
    return CHECK_MAIN_END();
}
