/* test_feed.c - feeds: files of one sequence in a directory, in memory. Rotation, keeping, following, seeking, what
   kills and strangers do to it. With processes and the system's directories: scenario_feed.c. */
#define _POSIX_C_SOURCE 200809L
#include "file_kit.h"
#include "dir_kit.h"

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
static telem_result put(telem_feed_writer *f, uint64_t n) {
    Fast a = fast_row(n);
    telem_result r = telem_feed_write(f, 1, (int64_t)n * 1000, &a);
    if (r == TELEM_OK && n % 7 == 0) {
        Slow b;
        memset(&b, 0, sizeof b);
        b.n = n / 7;
        b.y = (int16_t)(n % 1000);
        r = telem_feed_write(f, 2, (int64_t)n * 1000 + 3, &b);
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
    for (c = 0; c < sizeof codings; c++) {
        account a;
        memset(&a, 0, sizeof a);
        kit.owner = 1;
        REQUIRE_OK(telem_feed_open(&w, feed_desc(codings[c])));
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
        telem_i_file_wstream *s1 = telem_i_file_find_stream(&w.w, 1), *s2 = telem_i_file_find_stream(&w.w, 2);
        uint64_t from = s1->next_row, slow = s2->next_row, k;
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
    CHECK_OK(telem_feed_reader_close(&rd));
    dir_free(&kit);
}

TEST(killed_in_any_step_of_rotation) {
    long step, steps = 0;
    int torn;
    for (torn = 0; torn < 2; torn++)
        for (step = 1, steps = 1; step <= steps + 3; step += check_quick() ? 3 : 1) { /* until it is not killed any more */
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

int main(void) {
    RUN(rotated_files_read_as_one);
    RUN(follower_sees_each_row_once);
    RUN(killed_in_any_step_of_rotation);
    return CHECK_MAIN_END();
}
