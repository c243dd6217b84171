/* test_trouble.c - telem_file.h on a disk in trouble: every error is returned, sticks and can be cleared; what
   was lost is counted by the writer and told to the reader, exactly; what was there stays readable. An io that
   fails at random in front of all codings; a full tmpfs, a file size limit, /dev/full, a removed
   file, a disk that the kernel makes read-only.
   UNIT: posix, UNIT: linked */
#define _GNU_SOURCE
#include "file_kit.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define READER_MEMORY ((size_t)6 << 20)

#define ROW_TABLE(F) F(COUNT, u32, n, "") F(FIELD, f32, v, "", "") F(FIELD, u16, walk, "", "") F(STRING, text, 12, "") F(OPT, i16, o, "", "")
TELEM_DEFINE(Row, ROW_TABLE, "");

/* ------------------------------------------------------------------------ an io that fails ---- */

typedef struct bad_disk {
    kit_file *f;
    uint64_t rng;
    uint32_t calm;        /* one write in so many begins a time of trouble */
    uint32_t trouble;     /* writes that will fail still */
    telem_result error;   /* that they answer */
    uint32_t failures;
} bad_disk;

static const telem_result kinds[] = {TELEM_ERR_SPACE, TELEM_ERR_IO, TELEM_ERR_ACCESS /* read-only now */, TELEM_AGAIN};

static int64_t bad_write(void *user, const void *p, size_t n) {
    bad_disk *d = (bad_disk *)user;
    if (d->trouble == 0 && d->calm && kit_one_in(&d->rng, d->calm)) {
        d->trouble = 1u + kit_below(&d->rng, 4);
        d->error = kinds[kit_below(&d->rng, 4)];
        if (n > 1 && kit_one_in(&d->rng, 2)) return kit_grow_write(d->f, p, 1u + kit_below(&d->rng, (uint32_t)n - 1u)); /* some of it */
    }
    if (d->trouble) {
        d->trouble--;
        d->failures++;
        return d->error == TELEM_AGAIN ? 0 : (int64_t)d->error; /* AGAIN: takes nothing at all */
    }
    if (n > 1 && kit_one_in(&d->rng, 5)) n = 1u + kit_below(&d->rng, (uint32_t)n - 1u); /* a short write */
    return kit_grow_write(d->f, p, n);
}

static telem_result bad_sync(void *user) {
    bad_disk *d = (bad_disk *)user;
    return d->calm && kit_one_in(&d->rng, 9) ? TELEM_ERR_IO : TELEM_OK;
}

static Row some_row(uint64_t *rng, uint32_t i) {
    Row r;
    memset(&r, 0, sizeof r);
    r.n = i;
    r.v = (float)(i / 40u);
    r.walk = (uint16_t)(kit_below(rng, 100) < 30 ? kit_below(rng, 65536) : i / 9u);
    r.text.len = 2;
    memcpy(r.text.data, i / 50u % 2u ? "up" : "on", 2);
    r.has_o = (uint8_t)(i / 100u % 2u);
    r.o = (int16_t)(r.has_o ? i : 0);
    return r;
}

/* What the reader says of losses, against what the writer counted. */
typedef struct ledger {
    uint64_t lost[KIT_STREAMS + 1u], total[KIT_STREAMS + 1u];
} ledger;

static void read_ledger(kit_reader *r, ledger *l) {
    telem_file_item item;
    int finished = 0;
    memset(l, 0, sizeof *l);
    for (;;) {
        telem_result e = telem_file_next(&r->r, &item);
        if (e == TELEM_END && !finished) {
            finished = 1;
            (void)telem_file_reader_finish(&r->r);
            continue;
        }
        if (e != TELEM_OK) break;
        kit_take(r, &item);
        if (item.kind == TELEM_ITEM_LOSS && item.loss.hop == TELEM_HOP_WRITER && item.loss.stream <= KIT_STREAMS) {
            l->lost[item.loss.stream] += item.loss.count;
            l->total[item.loss.stream] = item.loss.total;
        }
    }
}

/* One life of a writer. Streams come at the begin and later, also in times of trouble. */
static void live(uint64_t *rng, uint8_t coding, uint8_t profile) {
    kit_file f;
    kit_writer w;
    kit_reader r;
    telem_file_writer_desc d;
    telem_io io;
    bad_disk disk;
    ledger l;
    telem_clock clock = TELEM_ZERO;
    telem_file_writer_stats all, each[KIT_STREAMS + 1u];
    uint64_t refused = 0, offered = 0, declined = 0, not_in = 0;
    uint32_t i, added = 0, streams = 1u + kit_below(rng, 4), rows = 200u + kit_below(rng, 1500);
    int clocked = 0, opened;
    memset(&f, 0, sizeof f);
    memset(&d, 0, sizeof d);
    memset(&io, 0, sizeof io);
    memset(&disk, 0, sizeof disk);
    d.profile = profile;
    d.coding = coding;
    d.max_block = 8192;
    d.max_row = 256;
    d.max_streams = 8;
    d.block_bytes = 300;
    d.block_rows = coding == TELEM_FILE_MINI ? 0 : 60;
    d.key_bytes = kit_one_in(rng, 2) ? 0 : 900;
    d.index_blocks = 9;
    d.pace = (uint8_t)(kit_one_in(rng, 2) ? TELEM_FILE_SPREAD : TELEM_FILE_AT_ONCE);
    disk.f = &f;
    disk.rng = check_rand(rng);
    disk.calm = kit_one_in(rng, 3) ? 4 : 25;
    io.user = &disk;
    io.write = bad_write;
    io.sync = bad_sync;
    clock.hz_num = 1000;
    for (i = 0; i < streams; i++) (void)kit_add(&f, i + 1u, &Row_schema, kit_below(rng, 2) ? 0 : 500);
    opened = kit_open(&w, &f, &d, &io) == TELEM_OK;
    for (i = 0; i < rows; i++) {
        kit_stream *s;
        Row row = some_row(rng, i);
        uint8_t bytes[64];
        if (!clocked && kit_one_in(rng, 3)) {
            telem_result e = telem_file_add_clock(&w.w, 9, &clock, "late");
            CHECK(e == telem_file_writer_error(&w.w).code);
            clocked = 1;
        }
        if (clocked && added < streams && kit_one_in(rng, 30)) {
            telem_file_stream_desc sd;
            telem_result e;
            memset(&sd, 0, sizeof sd);
            s = &f.s[added];
            sd.id = s->id;
            sd.name = s->name;
            sd.schema = s->schema;
            sd.start_row = s->start_row;
            sd.clock = 9;
            e = telem_file_add_stream(&w.w, &sd);
            CHECK_EQ_INT(e, telem_file_writer_error(&w.w).code);
            added++;
            refused += e != TELEM_OK;
            if (e != TELEM_OK && kit_one_in(rng, 2)) { /* somebody who tries again */
                CHECK_EQ_INT(telem_file_add_stream(&w.w, &sd), e);
                if (telem_file_writer_clear(&w.w) == TELEM_OK) {
                    CHECK_OK(telem_file_add_stream(&w.w, &sd));
                    CHECK_EQ_INT(telem_file_add_stream(&w.w, &sd), TELEM_ERR_EXISTS);
                }
            }
        }
        if (!added) continue;
        s = &f.s[kit_below(rng, added)];
        not_in += telem_file_write(&w.w, s->id, (int64_t)i * 10, &row) != TELEM_OK; /* in trouble or not, it has a number */
        CHECK_OK(telem_schema_pack(&Row_schema, &row, bytes));
        kit_note_row(s, (int64_t)i * 10, bytes);
        offered++;
        if (kit_one_in(rng, 40)) { /* one that is no row: only an error that sticks gives it a number, and takes it */
            telem_result e;
            row.text.len = 13;
            e = telem_file_write(&w.w, s->id, (int64_t)i * 10, &row);
            CHECK(e != TELEM_OK);
            if (e != TELEM_ERR_RANGE) kit_note_row(s, (int64_t)i * 10, bytes);
            declined += e == TELEM_ERR_RANGE;
            not_in += e != TELEM_ERR_RANGE;
            offered++;
        }
        if (kit_one_in(rng, 40)) {
            CHECK_EQ_INT(telem_file_write(&w.w, 77, 0, &row), TELEM_ERR_NOT_FOUND);
            declined++;
            offered++;
        }
        if (kit_one_in(rng, 60)) (void)telem_file_writer_flush(&w.w);
        if (kit_one_in(rng, 90)) (void)telem_file_writer_sync(&w.w);
        if (kit_one_in(rng, 70)) (void)telem_file_write_attachment(&w.w, NULL, "note", "text/plain", "words", 5);
        if (kit_one_in(rng, 25)) (void)telem_file_writer_clear(&w.w);
    }
    disk.calm = disk.trouble = 0;
    CHECK_OK(telem_file_writer_clear(&w.w));
    CHECK_EQ_INT(telem_file_writer_error(&w.w).code, TELEM_OK);
    CHECK_OK(telem_file_writer_flush(&w.w));
    for (i = 0; i < streams; i++) each[i] = telem_file_stream_get_stats(&w.w, i + 1u);
    all = telem_file_writer_get_stats(&w.w);
    CHECK_OK(kit_close(&w));
    REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY));
    read_ledger(&r, &l);
    CHECK_EQ_INT(r.items[TELEM_ITEM_END], 1);
    kit_check_account(&f);
    CHECK_EQ_INT(all.rows + all.refused, offered);
    CHECK_EQ_INT(all.refused, declined);
    CHECK_EQ_INT(all.rows, kit_written(&f));
    CHECK_EQ_INT(all.lost, kit_missing(&f));
    if (coding == TELEM_FILE_COLUMNS) CHECK_EQ_INT(all.lost, not_in); /* a block that was cut goes on where the io stopped */
    else CHECK(all.lost >= not_in);
    for (i = 0; i < added; i++) {
        CHECK_EQ_INT(each[i].rows, f.s[i].n);
        CHECK_EQ_INT(f.s[i].missing, each[i].lost); /* what the writer counted is what the file lacks, to the row */
        CHECK_EQ_INT(l.total[i + 1u], each[i].lost); /* and what its loss blocks say */
        CHECK(l.lost[i + 1u] >= each[i].lost); /* one may be there twice, where only its pad was cut: the total tells */
        CHECK_EQ_INT(f.s[i].doubtful, 0);
    }
    CHECK_EQ_INT(r.items[TELEM_ITEM_STREAM], added);
    if (clocked) CHECK_EQ_INT(telem_file_reader_clock(&r.r, 9, NULL).hz_num, 1000);
    (void)opened, (void)refused;
    kit_reader_end(&r);
    kit_free_file(&f);
}

static void lives(uint8_t coding, uint8_t profile, uint64_t salt) {
    uint64_t rng = kit_seed(salt);
    uint32_t i;
    for (i = 0; i < (check_quick() ? 25u : 700u); i++) {
        kit_at("life %u", (unsigned)i);
        live(&rng, coding, profile);
        if (check_g.bad > 5) break;
    }
}
TEST(trouble_at_any_write_of_columns_is_counted_to_the_row) { lives(TELEM_FILE_COLUMNS, TELEM_FILE_DISK, 1); }
TEST(trouble_at_any_write_of_rows_is_counted_to_the_row) { lives(TELEM_FILE_ROWS, TELEM_FILE_DISK, 2); }
TEST(trouble_at_any_write_of_mini_is_counted_to_the_row) { lives(TELEM_FILE_MINI, TELEM_FILE_DISK, 3); }

/* Whole columns in trouble: what the writer took of a call and did not write is told as lost, the rest comes back. */
#define PAIR_TABLE(F) F(FIELD, u32, n, "", "") F(FIELD, f64, v, "", "")
TELEM_DEFINE(Pair, PAIR_TABLE, "");
TEST(whole_columns_in_trouble_are_counted_to_the_row) {
    enum { MOST = 3000 };
    static uint32_t n[MOST];
    static double v[MOST];
    static int64_t times[MOST];
    uint64_t rng = kit_seed(9);
    uint32_t round, i;
    for (round = 0; round < (check_quick() ? 60u : 1500u) && check_g.bad == 0; round++) {
        kit_file f;
        kit_writer w;
        kit_reader r;
        telem_file_writer_desc d;
        telem_file_column columns[2];
        telem_io io;
        bad_disk disk;
        uint64_t whole = 0, next = 0;
        telem_file_item item;
        static uint8_t there[MOST * 16];
        int64_t span[64][2], begin = kit_one_in(&rng, 2) ? 0 : 1000000; /* 0: times are the row numbers, not given */
        uint32_t told = 0, call, calls = 2u + kit_below(&rng, 12);
        memset(&f, 0, sizeof f);
        memset(&d, 0, sizeof d);
        memset(&io, 0, sizeof io);
        memset(&disk, 0, sizeof disk);
        memset(columns, 0, sizeof columns);
        kit_at("round %u", (unsigned)round);
        d.coding = TELEM_FILE_COLUMNS;
        d.level = TELEM_FILE_FAST;
        d.max_block = 4096u << kit_below(&rng, 3); /* blocks in halves, too */
        d.block_rows = 300u << kit_below(&rng, 3);
        d.max_row = 64;
        d.max_streams = 2;
        d.pace = (uint8_t)(kit_one_in(&rng, 2) ? TELEM_FILE_SPREAD : TELEM_FILE_AT_ONCE);
        disk.f = &f;
        disk.rng = check_rand(&rng);
        io.user = &disk;
        io.write = bad_write;
        (void)kit_add(&f, 1, &Pair_schema, 0);
        REQUIRE_OK(kit_open(&w, &f, &d, &io));
        REQUIRE_OK(kit_add_streams(&w, &f));
        disk.calm = 1u + kit_below(&rng, 12);
        for (call = 0; call < calls; call++) {
            uint32_t rows = 1u + kit_below(&rng, kit_one_in(&rng, 2) ? MOST : 100), hold = 1u + kit_below(&rng, 3);
            for (i = 0; i < rows; i++) {
                uint8_t bytes[16];
                Pair row;
                n[i] = row.n = (uint32_t)(next / hold); /* rows that repeat */
                v[i] = row.v = (double)(row.n * 2654435761u);
                times[i] = begin + (int64_t)next++;
                CHECK_OK(telem_schema_pack(&Pair_schema, &row, bytes));
                kit_note_row(&f.s[0], times[i], bytes);
            }
            columns[0].data = n;
            columns[1].data = v;
            if (telem_file_write_columns(&w.w, 1, rows, begin ? times : NULL, columns, 2) == TELEM_OK) whole += rows;
            for (i = 0; i < rows; i++) n[i] = 0, v[i] = 0, times[i] = 0; /* the caller's again */
            if (kit_one_in(&rng, 3)) (void)telem_file_writer_clear(&w.w);
        }
        disk.calm = disk.trouble = 0;
        CHECK_OK(telem_file_writer_clear(&w.w));
        CHECK_OK(telem_file_writer_flush(&w.w));
        CHECK(telem_file_writer_get_stats(&w.w).lost <= next - whole);
        whole = telem_file_writer_get_stats(&w.w).lost;
        CHECK_OK(kit_close(&w));
        REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY));
        memset(there, 0, sizeof there);
        while (telem_file_next(&r.r, &item) == TELEM_OK) {
            kit_take(&r, &item);
            if (item.kind == TELEM_ITEM_ROW) there[item.row] = 1;
            if (item.kind != TELEM_ITEM_LOSS) continue;
            CHECK(item.loss.has_span && told < 64);
            span[told & 63u][0] = item.loss.first - begin; /* each row's time is its number */
            span[told++ & 63u][1] = item.loss.last - begin;
        }
        for (i = 0; i < told && i < 64; i++) { /* both ends are rows that are lost */
            CHECK(span[i][0] >= 0 && span[i][1] < (int64_t)next && span[i][0] <= span[i][1]);
            CHECK(!there[span[i][0]] && !there[span[i][1]]);
        }
        kit_check_account(&f);
        CHECK_EQ_INT(kit_missing(&f), whole);
        CHECK_EQ_INT(kit_delivered(&f) + whole, next);
        CHECK_EQ_INT(f.s[0].doubtful, 0);
        kit_reader_end(&r);
        kit_free_file(&f);
    }
}

/* Takes all of a block but its last `cut` bytes, once. */
typedef struct cut_io {
    kit_file *f;
    uint32_t cut;
    int armed;
} cut_io;

static int64_t cut_write(void *user, const void *p, size_t n) {
    cut_io *c = (cut_io *)user;
    if (c->armed == 2) {
        c->armed = 0;
        return TELEM_ERR_SPACE;
    }
    if (c->armed && n > c->cut) {
        c->armed = 2;
        n -= c->cut;
    }
    return kit_grow_write(c->f, p, n);
}

/* telem_file_writer_clear writes zeros where a block lacks its pad. Where the check ends in a 0, one in 256, these
   may make a block whole that lacks more: then its rows are there, and not lost. */
TEST(a_block_that_zeros_complete_is_not_counted_as_lost) {
    static const uint8_t codings[] = {TELEM_FILE_ROWS, TELEM_FILE_MINI, TELEM_FILE_COLUMNS};
    uint32_t i, n = check_quick() ? 10000 : 60000, saved = 0;
    uint64_t rng = kit_seed(8);
    for (i = 0; i < n && check_g.bad == 0; i++) {
        uint8_t coding = codings[i % 200 == 0 ? 2 : i % 2]; /* columns have the largest memory */
        kit_file f;
        kit_writer w;
        kit_reader r;
        telem_file_writer_desc d;
        telem_io io;
        cut_io c;
        Row row = some_row(&rng, i);
        uint8_t bytes[64];
        uint64_t lost;
        memset(&f, 0, sizeof f);
        memset(&d, 0, sizeof d);
        memset(&io, 0, sizeof io);
        c.f = &f;
        c.cut = 1u + kit_below(&rng, 12);
        c.armed = 0;
        io.user = &c;
        io.write = cut_write;
        d.session = 1u + check_rand(&rng) / 2u;
        d.coding = coding;
        d.max_block = 8192;
        d.max_row = 256;
        d.max_streams = 2;
        kit_at("block %u, %u bytes cut", (unsigned)i, (unsigned)c.cut);
        (void)kit_add(&f, 1, &Row_schema, 0);
        REQUIRE_OK(kit_open(&w, &f, &d, &io));
        REQUIRE_OK(kit_add_streams(&w, &f));
        c.armed = 1;
        CHECK_OK(telem_file_write(&w.w, 1, 0, &row));
        CHECK_OK(telem_schema_pack(&Row_schema, &row, bytes));
        kit_note_row(&f.s[0], 0, bytes);
        CHECK_EQ_INT(telem_file_writer_flush(&w.w), TELEM_ERR_SPACE);
        lost = telem_file_stream_get_stats(&w.w, 1).lost;
        CHECK_OK(telem_file_writer_clear(&w.w));
        CHECK_OK(kit_close(&w));
        REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY));
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        kit_check_account(&f);
        CHECK_EQ_INT(f.s[0].missing, lost);
        CHECK(lost == 0 || coding != TELEM_FILE_COLUMNS);
        if (lost == 0) CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], 0); /* all that it lacked is written */
        saved += lost == 0;
        kit_reader_end(&r);
        kit_free_file(&f);
    }
    CHECK(saved > 100);
}

/* ---------------------------------------------------------------------------- real disks ---- */

/* A recorder over a descriptor: rows until the disk is full, then `mend`, then more rows. Returns 0 when the
   account is right. */
typedef struct recorder {
    telem_file_writer w;
    telem_file_writer_desc d;
    telem_io io;
    int fd;
    uint64_t written;
} recorder;

static uint8_t with_journal;
static int recorder_begin(recorder *k, int fd) {
    telem_file_stream_desc sd = TELEM_ZERO;
    telem_result r, e;
    memset(k, 0, sizeof *k);
    k->fd = fd;
    k->io = telem_io_fd(fd);
    k->d.io = &k->io;
    k->d.max_block = 65536;
    k->d.block_bytes = 4096;
    k->d.max_row = 1024;
    k->d.max_streams = 2;
    k->d.journal = with_journal;
    sd.id = 1;
    sd.schema = &Row_schema;
    k->d.memory_size = telem_file_writer_bytes(&k->d) + telem_file_stream_bytes(&k->d, &sd);
    k->d.memory = kit_alloc(k->d.memory_size);
    r = telem_file_writer_open(&k->w, &k->d);
    e = telem_file_add_stream(&k->w, &sd);
    return (int)(r != TELEM_OK ? r : e);
}

static telem_result record(recorder *k, uint32_t rows) { /* until an error */
    uint64_t rng = k->written + 1u;
    telem_result r = TELEM_OK;
    while (rows-- && r == TELEM_OK) {
        Row row = some_row(&rng, (uint32_t)k->written);
        r = telem_file_write(&k->w, 1, (int64_t)k->written++ * 10, &row);
    }
    return r;
}

/* Reads the file at `path`: rows delivered, and rows that the loss blocks tell of. */
static void recall(const char *path, uint64_t *rows, uint64_t *told, int *ended) {
    telem_file_reader r;
    telem_file_reader_desc d = TELEM_ZERO;
    telem_file_item item;
    telem_io io;
    int fd = open(path, O_RDONLY);
    *rows = *told = 0;
    *ended = 0;
    io = telem_io_fd(fd);
    d.io = &io;
    d.memory_size = READER_MEMORY;
    d.memory = kit_alloc(d.memory_size);
    if (telem_file_reader_open(&r, &d) == TELEM_OK)
        for (;;) {
            telem_result e = telem_file_next(&r, &item);
            if (e == TELEM_END && !r.finish) { /* a block cut in two may look like one that still grows */
                (void)telem_file_reader_finish(&r);
                continue;
            }
            if (e != TELEM_OK) break;
            if (item.kind == TELEM_ITEM_ROW) {
                Row row;
                memset(&row, 0, sizeof row);
                (*rows)++;
                if (telem_file_get(&item, &Row_schema, &row) != TELEM_OK || row.n != item.row || item.time != (int64_t)item.row * 10)
                    kit_fail("WRONG ROW %lu: n %lu, time %ld", (unsigned long)item.row, (unsigned long)row.n, (long)item.time);
            }
            if (item.kind == TELEM_ITEM_LOSS) *told += item.loss.count;
            if (item.kind == TELEM_ITEM_END) *ended = 1;
        }
    free(d.memory);
    close(fd);
}

/* The disk is full; then `mend` makes room. */
static void fill_and_mend(const char *path, void (*mend)(const char *path), uint32_t most) {
    recorder k;
    uint64_t rows, told, before, untold;
    int ended, fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    telem_result r = TELEM_OK;
    REQUIRE(fd >= 0);
    REQUIRE(recorder_begin(&k, fd) == 0);
    r = record(&k, most);
    CHECK_EQ_INT(r, TELEM_ERR_SPACE);
    CHECK_EQ_INT(telem_file_writer_error(&k.w).code, TELEM_ERR_SPACE);
    CHECK_EQ_INT(record(&k, 1), TELEM_ERR_SPACE); /* it sticks */
    CHECK_EQ_INT(telem_file_writer_clear(&k.w), TELEM_ERR_SPACE); /* and is not mended yet */
    recall(path, &before, &told, &ended); /* what was there is readable */
    CHECK(before > 0 && told == 0 && !ended);
    mend(path);
    CHECK_OK(telem_file_writer_clear(&k.w));
    untold = telem_file_stream_get_stats(&k.w, 1).lost;
    CHECK(untold > 0);
    CHECK_OK(record(&k, 500));
    CHECK_OK(telem_file_writer_close(&k.w));
    recall(path, &rows, &told, &ended);
    CHECK_EQ_INT(told, untold);
    CHECK_EQ_INT(rows + told, k.written);
    CHECK(rows >= before + 500);
    CHECK(ended);
    free(k.d.memory);
    close(fd);
}

static char folder[200];
static const char *in_folder(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void remove_ballast(const char *path) {
    (void)path;
    CHECK(unlink(in_folder("ballast")) == 0);
}

/* Mounts of this process's own; who is not root has them as root of a user namespace. 0: not permitted. */
static int put_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY), good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) close(fd);
    return good;
}
static int own_mounts(void) {
    char users[40], groups[40];
    snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
    if (unshare(CLONE_NEWNS) != 0 &&
        (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 || !put_text("/proc/self/uid_map", users) ||
         !put_text("/proc/self/setgroups", "deny") || !put_text("/proc/self/gid_map", groups)))
        return 0;
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* In a process of its own, since it mounts. 77: it may not. */
static int in_a_small_disk(void) {
    static char zeros[65536];
    char path[300];
    int fd;
    if (!own_mounts()) return 77;
    if (mount("telem", folder, "tmpfs", 0, "size=256k") != 0) return 77;
    fd = open(in_folder("ballast"), O_WRONLY | O_CREAT, 0600);
    if (fd < 0 || write(fd, zeros, sizeof zeros) != (ssize_t)sizeof zeros) return 1;
    close(fd);
    snprintf(path, sizeof path, "%s", in_folder("log.tlm"));
    fill_and_mend(path, remove_ballast, 2000000);
    return check_g.bad ? 1 : 0;
}

static void raise_limit(const char *path) {
    struct rlimit l;
    (void)path;
    getrlimit(RLIMIT_FSIZE, &l);
    l.rlim_cur = l.rlim_max;
    CHECK(setrlimit(RLIMIT_FSIZE, &l) == 0);
}

static int with_a_size_limit(void) {
    struct rlimit l;
    char path[300];
    signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &l) != 0) return 77;
    l.rlim_cur = 100000;
    if (setrlimit(RLIMIT_FSIZE, &l) != 0) return 77;
    snprintf(path, sizeof path, "%s", in_folder("limited.tlm"));
    fill_and_mend(path, raise_limit, 2000000);
    unlink(path);
    return check_g.bad ? 1 : 0;
}

static int in_a_child(int (*work)(void)) {
    int status = 0;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        int code = work();
        fflush(stdout);
        _exit(code);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void make_folder(void) {
    const char *t = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/telem_trouble_XXXXXX", t && *t ? t : "/tmp");
    if (!mkdtemp(folder)) abort();
}

TEST(a_full_tmpfs_is_told_and_gone_on_with) {
    int code;
    make_folder();
    code = in_a_child(in_a_small_disk);
    rmdir(folder);
    if (code == 77) SKIP("mounting is not permitted here");
    CHECK_EQ_INT(code, 0);
}

TEST(a_file_size_limit_is_told_and_gone_on_with) {
    int code;
    make_folder();
    code = in_a_child(with_a_size_limit);
    rmdir(folder);
    if (code == 77) SKIP("no file size limit here");
    CHECK_EQ_INT(code, 0);
}

/* ---- feeds: the same over files that come and go ---- */

typedef struct feed_life {
    telem_feed_writer w;
    telem_feed_writer_desc d;
    telem_file_stream_desc s;
    telem_dir dir;
} feed_life;

static telem_result feed_begin(feed_life *k, int journal) {
    memset(k, 0, sizeof *k);
    k->dir = telem_dir_system(folder);
    k->s.id = 1;
    k->s.schema = &Row_schema;
    k->d.dir = &k->dir;
    k->d.name = "log";
    k->d.file.coding = TELEM_FILE_ROWS;
    k->d.file.block_bytes = 2000;
    k->d.file.max_block = 8192;
    k->d.file.max_row = 1024;
    k->d.file.max_streams = 2;
    k->d.file.journal = (uint8_t)journal;
    k->d.file.journal_slots = 2;
    k->d.file.journal_slot_bytes = 8192;
    k->d.file.memory_size = 1 << 20;
    k->d.file.memory = kit_alloc(k->d.file.memory_size);
    k->d.streams = &k->s;
    k->d.stream_count = 1;
    k->d.rotate_bytes = 50000;
    return telem_feed_open(&k->w, &k->d);
}

static telem_result feed_rows(feed_life *k, uint32_t rows) { /* until an error */
    telem_result r = TELEM_OK;
    while (rows-- && r == TELEM_OK) {
        uint64_t n = telem_file_next_row(&k->w.w, 1), rng = n + 1u;
        Row row = some_row(&rng, (uint32_t)n);
        r = telem_feed_write(&k->w, 1, (int64_t)n * 10, &row);
    }
    return r;
}

/* Rows read and rows told as missing, each in its turn. */
static void feed_recall(uint64_t *rows, uint64_t *missing, uint64_t *told) {
    telem_feed_reader r;
    telem_feed_reader_desc d = TELEM_ZERO;
    telem_dir dir = telem_dir_system(folder);
    telem_file_item item;
    uint64_t next = 0;
    *rows = *missing = *told = 0;
    d.dir = &dir;
    d.name = "log";
    d.memory_size = READER_MEMORY;
    d.memory = kit_alloc(d.memory_size);
    REQUIRE_OK(telem_feed_reader_open(&r, &d));
    while (telem_feed_next(&r, &item) == TELEM_OK) {
        if (item.kind == TELEM_ITEM_LOSS) *told += item.loss.count;
        if (item.kind == TELEM_ITEM_MISSING) *missing += item.count;
        if (item.kind != TELEM_ITEM_ROW && item.kind != TELEM_ITEM_MISSING) continue;
        CHECK(item.row == next);
        next = item.row + (item.kind == TELEM_ITEM_ROW ? 1u : item.count);
        if (item.kind == TELEM_ITEM_ROW) {
            Row row;
            (*rows)++;
            CHECK_OK(telem_file_get(&item, &Row_schema, &row));
            CHECK(row.n == (uint32_t)item.row && item.time == (int64_t)item.row * 10);
        }
    }
    CHECK_OK(telem_feed_reader_close(&r));
    free(d.memory);
}

static void fill_a_feed(int journal) {
    static char zeros[65536];
    static feed_life k;
    uint64_t rows, missing, told, lost;
    uint32_t tries = 0;
    int fd = open(in_folder("ballast"), O_WRONLY | O_CREAT, 0600);
    REQUIRE(fd >= 0 && write(fd, zeros, sizeof zeros) == (ssize_t)sizeof zeros);
    close(fd);
    REQUIRE_OK(feed_begin(&k, journal));
    CHECK_EQ_INT(telem_file_journals(&k.w.w), journal);
    CHECK_EQ_INT(feed_rows(&k, 200000), TELEM_ERR_SPACE); /* a next file that finds no room is no error of a row: only the last one is */
    CHECK_EQ_INT(telem_file_writer_error(&k.w.w).code, TELEM_ERR_SPACE);
    CHECK_EQ_INT(feed_rows(&k, 1), TELEM_ERR_SPACE);
    CHECK_EQ_INT(telem_file_writer_clear(&k.w.w), TELEM_ERR_SPACE);
    CHECK(k.w.number >= 3);
    feed_recall(&rows, &missing, &told); /* what was there is readable */
    CHECK(rows > 1000 && missing < 2000); /* of the block that did not get in as a whole */
    remove_ballast(NULL);
    CHECK_OK(telem_file_writer_clear(&k.w.w));
    lost = telem_file_stream_get_stats(&k.w.w, 1).lost;
    CHECK(lost > 0);
    k.w.not_before = 0;
    CHECK_OK(feed_rows(&k, 500));
    CHECK_OK(telem_feed_rotate(&k.w));
    CHECK_OK(feed_rows(&k, 100));
    CHECK_OK(telem_feed_close(&k.w));
    feed_recall(&rows, &missing, &told);
    CHECK_EQ_INT(told, lost);
    CHECK_EQ_INT(missing, lost);
    CHECK_EQ_INT(rows + missing, telem_file_next_row(&k.w.w, 1));
    free(k.d.file.memory);
    while (tries++ < 100 && k.dir.remove(k.dir.user, k.w.file) == TELEM_OK && k.w.number > 1) peek_feed_file(k.w.file, "log", --k.w.number);
}

/* What keeps its size never meets the end of the disk. */
static void keep_a_feed(void) {
    static feed_life k;
    REQUIRE_OK(feed_begin(&k, 0));
    k.w.keep_bytes = 120000;
    CHECK_OK(feed_rows(&k, 150000));
    CHECK(k.w.number > 8);
    CHECK_EQ_INT(telem_file_stream_get_stats(&k.w.w, 1).lost, 0);
    k.w.keep_bytes = 0;
    CHECK_OK(telem_feed_close(&k.w));
    free(k.d.file.memory);
}

static int feeds_on_a_small_disk(void) {
    if (!own_mounts()) return 77;
    if (mount("telem", folder, "tmpfs", 0, "size=256k") != 0) return 77;
    fill_a_feed(0);
    fill_a_feed(1);
    keep_a_feed();
    return check_g.bad ? 1 : 0;
}

TEST(a_feed_on_a_full_tmpfs_loses_what_it_tells) {
    int code;
    make_folder();
    code = in_a_child(feeds_on_a_small_disk);
    rmdir(folder);
    if (code == 77) SKIP("mounting is not permitted here");
    CHECK_EQ_INT(code, 0);
}

/* Its rows are gone; the error says so, and behind the clear a file is begun that can be had. */
TEST(a_feed_whose_file_was_removed_begins_another) {
    static feed_life k;
    uint64_t rows, missing, told, first, end;
    uint32_t i, number;
    make_folder();
    REQUIRE_OK(feed_begin(&k, 0));
    CHECK_OK(feed_rows(&k, 1000));
    CHECK_OK(telem_feed_rotate(&k.w));
    first = telem_file_next_row(&k.w.w, 1);
    number = k.w.number;
    CHECK_OK(k.dir.remove(k.dir.user, k.w.file));
    CHECK_EQ_INT(feed_rows(&k, 100000), TELEM_ERR_IO);
    CHECK_EQ_INT(k.w.number, number);
    CHECK_EQ_INT(telem_feed_rotate(&k.w), TELEM_ERR_IO);
    CHECK_OK(telem_file_writer_clear(&k.w.w));
    CHECK_OK(feed_rows(&k, 100)); /* the next file is due, and begun */
    CHECK_EQ_INT(k.w.number, number + 1);
    end = peek_start_row(&k.w.w, 1);
    CHECK_OK(feed_rows(&k, 2000));
    CHECK_OK(telem_feed_close(&k.w));
    feed_recall(&rows, &missing, &told);
    CHECK_EQ_INT(missing, end - first);
    CHECK_EQ_INT(rows + missing, telem_file_next_row(&k.w.w, 1));
    CHECK(rows > 2900);
    for (i = 1; i <= k.w.number; i++) {
        peek_feed_file(k.w.file, "log", i);
        (void)k.dir.remove(k.dir.user, k.w.file);
    }
    (void)k.dir.remove(k.dir.user, "log.lock");
    free(k.d.file.memory);
    rmdir(folder);
}

TEST(dev_full_is_told_by_open_and_by_all_behind_it) {
    recorder k;
    int fd = open("/dev/full", O_WRONLY);
    if (fd < 0) SKIP("no /dev/full here");
    CHECK_EQ_INT(recorder_begin(&k, fd), TELEM_ERR_SPACE);
    CHECK_EQ_INT(record(&k, 10), TELEM_ERR_SPACE);
    CHECK_EQ_INT(telem_file_stream_get_stats(&k.w, 1).lost, 1);
    CHECK_EQ_INT(telem_file_writer_clear(&k.w), TELEM_ERR_SPACE);
    CHECK_EQ_INT(telem_file_writer_close(&k.w), TELEM_ERR_SPACE);
    free(k.d.memory);
    close(fd);
}

TEST(a_removed_file_is_told_by_sync) {
    recorder k;
    int fd;
    make_folder();
    fd = open(in_folder("gone.tlm"), O_RDWR | O_CREAT, 0600);
    REQUIRE(fd >= 0);
    REQUIRE(recorder_begin(&k, fd) == 0);
    CHECK_OK(record(&k, 1000));
    CHECK_OK(telem_file_writer_sync(&k.w));
    CHECK(unlink(in_folder("gone.tlm")) == 0);
    CHECK_OK(record(&k, 1000));
    CHECK_EQ_INT(telem_file_writer_sync(&k.w), TELEM_ERR_IO);
    CHECK_EQ_INT(telem_file_writer_error(&k.w).code, TELEM_ERR_IO);
    CHECK_EQ_INT(record(&k, 1), TELEM_ERR_IO);
    CHECK_OK(telem_file_writer_clear(&k.w));
    CHECK_EQ_INT(telem_file_writer_close(&k.w), TELEM_ERR_IO);
    free(k.d.memory);
    close(fd);
    rmdir(folder);
}

/* A file system that the kernel makes read-only under an open file, as it does behind an error of the disk: ext4 in an
   image, its journal aborted. */
static int image_does(const char *what) {
    char line[800];
    snprintf(line, sizeof line, what, folder, folder);
    return system(line) == 0;
}
static int on_a_disk_made_read_only(void) {
    recorder k, other;
    uint64_t rows, told, synced;
    int ended, fd, late;
    char path[300];
    telem_result r;
    if (!own_mounts()) return 77;
    if (!image_does("exec >/dev/null 2>&1; cd %s && mkdir disk && head -c 8388608 /dev/zero >image && mke2fs -q -F -t ext4 image && mount -o loop image %s/disk")) return 77;
    snprintf(path, sizeof path, "%s", in_folder("disk/log.tlm"));
    fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || recorder_begin(&k, fd) != 0) return 1;
    CHECK_OK(record(&k, 3000));
    CHECK_OK(telem_file_writer_sync(&k.w));
    synced = k.written;
    if (!image_does("exec >/dev/null 2>&1; cd %s && mount -o remount,abort %s/disk")) return 77;
    r = record(&k, 2000000);
    CHECK(r == TELEM_ERR_IO || r == TELEM_ERR_ACCESS);
    CHECK_EQ_INT(telem_file_writer_error(&k.w).code, r);
    CHECK_EQ_INT(record(&k, 1), r); /* it sticks */
    CHECK(telem_file_writer_clear(&k.w) != TELEM_OK || record(&k, 2000000) != TELEM_OK);
    CHECK(telem_file_writer_close(&k.w) != TELEM_OK);
    CHECK_EQ_INT(telem_file_writer_get_stats(&k.w).rows, k.written);
    recall(path, &rows, &told, &ended); /* what was there stays readable */
    CHECK(rows >= synced && rows < k.written && !ended);
    CHECK(k.written - rows <= telem_file_writer_get_stats(&k.w).lost);
    late = open(in_folder("disk/late.tlm"), O_RDWR | O_CREAT, 0600); /* a new file there */
    if (late >= 0) CHECK(recorder_begin(&other, late) != 0);
    free(k.d.memory);
    return check_g.bad ? 1 : 0;
}
TEST(a_disk_made_read_only_is_told) {
    int code = 0;
    for (with_journal = 0; with_journal < 2 && code == 0; with_journal++) {
        make_folder();
        code = in_a_child(on_a_disk_made_read_only);
        (void)image_does("exec >/dev/null 2>&1; rm -rf %s; true %s");
    }
    with_journal = 0;
    if (code == 77) SKIP("no ext4 image can be mounted here");
    CHECK_EQ_INT(code, 0);
}

/* A read-only descriptor is what a file system leaves that the kernel made read-only. */
TEST(a_read_only_file_is_told) {
    recorder k;
    int fd;
    make_folder();
    fd = open(in_folder("ro.tlm"), O_RDONLY | O_CREAT, 0600);
    REQUIRE(fd >= 0);
    CHECK_EQ_INT(recorder_begin(&k, fd), TELEM_ERR_ACCESS);
    CHECK_EQ_INT(record(&k, 1), TELEM_ERR_ACCESS);
    CHECK_EQ_INT(telem_file_writer_close(&k.w), TELEM_ERR_ACCESS);
    free(k.d.memory);
    close(fd);
    unlink(in_folder("ro.tlm"));
    rmdir(folder);
}

/* The writer's own account as a stream: a clock that steps tells what a row took. */
typedef struct step_clock {
    uint64_t now, step;
} step_clock;
static uint64_t step_read(void *user) {
    step_clock *c = (step_clock *)user;
    return c->now += c->step;
}

static telem_result slow_sync(void *user) {
    (void)user;
    return TELEM_OK;
}

TEST(health_rows_say_how_the_writer_is) {
    kit_file f;
    kit_writer w;
    telem_file_writer_desc d;
    telem_file_stream_desc sd;
    telem_file_watch watch;
    telem_file_health last;
    telem_io io;
    bad_disk disk;
    telem_clock clock = TELEM_ZERO;
    step_clock steps = {0, 100};
    telem_file_reader r;
    telem_file_reader_desc rd = TELEM_ZERO;
    telem_memory_io view;
    telem_file_item item;
    uint64_t rng = kit_seed(9), rows = 0, healths = 0, lost = 0, refused = 0;
    uint32_t i;
    memset(&f, 0, sizeof f);
    memset(&d, 0, sizeof d);
    memset(&sd, 0, sizeof sd);
    memset(&io, 0, sizeof io);
    memset(&disk, 0, sizeof disk);
    memset(&last, 0, sizeof last);
    disk.f = &f;
    disk.rng = 7;
    io.user = &disk;
    io.write = bad_write;
    io.sync = slow_sync;
    d.coding = TELEM_FILE_COLUMNS;
    d.max_block = 16384;
    d.block_bytes = 1000;
    d.block_rows = 100;
    d.max_row = 256;
    d.max_streams = 4;
    clock.hz_num = 1000000000;
    clock.read = step_read;
    clock.user = &steps;
    (void)kit_add(&f, 1, &Row_schema, 0);
    (void)kit_add(&f, 2, &telem_file_health_schema, 0);
    REQUIRE_OK(kit_open(&w, &f, &d, &io));
    sd.id = 2;
    CHECK_EQ_INT(telem_file_add_health(&w.w, NULL, &sd, 0), TELEM_ERR_ARG);
    CHECK_OK(telem_file_add_clock(&w.w, 4, &clock, "steps"));
    sd.id = 1;
    sd.schema = &Row_schema;
    sd.name = "rows";
    CHECK_OK(telem_file_add_stream(&w.w, &sd));
    sd.id = 2;
    sd.name = NULL;
    sd.clock = 4;
    CHECK_OK(telem_file_add_health(&w.w, &watch, &sd, 5000));
    CHECK_EQ_INT(telem_file_add_health(&w.w, &watch, &sd, 5000), TELEM_ERR_STATE);
    for (i = 0; i < 2000; i++) {
        Row row = some_row(&rng, i);
        steps.step = i == 700 ? 40000 : 100; /* one row takes long */
        if (i == 1000) disk.trouble = 1u << 30, disk.error = TELEM_ERR_SPACE;
        if (i == 1300) {
            disk.trouble = 0;
            refused = telem_file_writer_get_stats(&w.w).lost;
            CHECK_OK(telem_file_writer_clear(&w.w));
        }
        if (i % 500 == 499) CHECK(telem_file_writer_sync(&w.w) == telem_file_writer_error(&w.w).code);
        rows += telem_file_write(&w.w, 1, (int64_t)i * 10, &row) == TELEM_OK;
    }
    steps.now += 1000000; /* no row comes: poll does it */
    CHECK_OK(telem_file_writer_poll(&w.w, 0, 20000));
    CHECK_OK(kit_close(&w));
    io = telem_io_memory_view(&view, f.bytes, f.size);
    rd.io = &io;
    rd.memory_size = READER_MEMORY;
    rd.memory = kit_alloc(rd.memory_size);
    REQUIRE_OK(telem_file_reader_open(&r, &rd));
    for (;;) {
        telem_file_health h;
        telem_result e = telem_file_next(&r, &item);
        if (e == TELEM_END && !r.finish) {
            (void)telem_file_reader_finish(&r);
            continue;
        }
        if (e != TELEM_OK) break;
        if (item.kind != TELEM_ITEM_ROW || item.stream->id != 2) continue;
        CHECK_OK(telem_file_get(&item, &telem_file_health_schema, &h));
        CHECK_STR(item.stream->name, "telem_file_health");
        CHECK(h.rows >= last.rows && h.bytes >= last.bytes && h.lost >= last.lost && h.waiting <= h.rows);
        if (h.row_ns_worst > 39000) lost++;
        else CHECK(h.row_ns_worst == 0 || h.row_ns_worst == 100);
        CHECK(h.row_ns_mean <= h.row_ns_worst);
        last = h;
        healths++;
    }
    CHECK_EQ_INT(lost, 1); /* the slow row shows once */
    CHECK(healths > 20);
    CHECK(last.rows >= rows);
    CHECK(refused > 100 && last.lost >= refused);
    CHECK_EQ_INT(last.errors, 1);
    CHECK_EQ_INT(last.syncs, 4);
    CHECK_EQ_INT(last.sync_ns_worst, 100);
    free(rd.memory);
    kit_free_file(&f);
}

int main(void) {
    RUN(trouble_at_any_write_of_columns_is_counted_to_the_row);
    RUN(trouble_at_any_write_of_rows_is_counted_to_the_row);
    RUN(trouble_at_any_write_of_mini_is_counted_to_the_row);
    RUN(whole_columns_in_trouble_are_counted_to_the_row);
    RUN(a_block_that_zeros_complete_is_not_counted_as_lost);
    RUN(a_full_tmpfs_is_told_and_gone_on_with);
    RUN(a_file_size_limit_is_told_and_gone_on_with);
    RUN(a_feed_on_a_full_tmpfs_loses_what_it_tells);
    RUN(a_feed_whose_file_was_removed_begins_another);
    RUN(dev_full_is_told_by_open_and_by_all_behind_it);
    RUN(a_removed_file_is_told_by_sync);
    RUN(a_disk_made_read_only_is_told);
    RUN(a_read_only_file_is_told);
    RUN(health_rows_say_how_the_writer_is);
    return CHECK_MAIN_END();
}
