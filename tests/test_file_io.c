/* test_file_io.c - telem_file.h and ios that fail: at every byte of writing, with short writes, in
   whole blocks, at the end; reading that stops and goes on; memory that is too small.  UNIT: linked */
#define _GNU_SOURCE
#include "file_kit.h"

#define READER_MEMORY 65536u

TELEM_LABELS(labels, {0, "A"}, {1, "B"});
#define ROW_TABLE(F) \
    F(COUNT, u32, n, "") F(FIELD, f32, v, "", "") F(ENUM, u8, e, labels, "") F(STRING, text, 12, "") F(OPT, i16, o, "", "")
TELEM_DEFINE(Row, ROW_TABLE, "");
#define BIT_TABLE(F) F(FIELD, u16, b, "", "")
TELEM_DEFINE(Bit, BIT_TABLE, "");

static telem_file_writer_desc small_desc(uint8_t profile) {
    telem_file_writer_desc d;
    memset(&d, 0, sizeof d);
    d.profile = profile;
    d.coding = KIT_CODING;
    d.max_block = 4096;
    d.max_row = 1024;
    d.max_streams = 4;
    d.block_bytes = 100;
    d.key_bytes = 250;
    d.key_rows = 4;
    d.index_blocks = 4;
    d.announce_ns = 40000000;
    return d;
}

/* An io that takes `limit` bytes and then answers `error`. */
typedef struct disk {
    kit_file *f;
    size_t limit, most; /* most: bytes at once; 0: any number */
    telem_result error, sync_error;
    uint32_t block, calls;
} disk;

static int64_t disk_write(void *user, const void *p, size_t n) {
    disk *d = (disk *)user;
    size_t part = d->limit - d->f->size;
    d->calls++;
    if (d->block && n % d->block) kit_fail("a write of %lu bytes to an io of whole blocks", (unsigned long)n);
    if (part > n) part = n;
    if (d->most && part > d->most) part = d->most;
    if (d->block) part -= part % d->block;
    if (part == 0) return d->error;
    return kit_grow_write(d->f, p, part);
}
static telem_result disk_sync(void *user) { return ((disk *)user)->sync_error; }
static telem_io disk_io(disk *d, kit_file *f, size_t limit) {
    telem_io io;
    memset(&io, 0, sizeof io);
    memset(d, 0, sizeof *d);
    d->f = f;
    d->limit = limit;
    d->error = TELEM_ERR_SPACE;
    io.user = d;
    io.write = disk_write;
    io.sync = disk_sync;
    return io;
}

/* Writes rows i..j; every row that is offered to a stream counts. */
static void write_rows(kit_writer *w, kit_file *f, uint32_t i, uint32_t j) {
    for (; i < j; i++) {
        uint8_t row[64];
        int64_t t = (int64_t)i * 1000000;
        Row r;
        Bit b;
        memset(&r, 0, sizeof r);
        memset(&b, 0, sizeof b);
        r.n = i;
        r.v = (float)(i / 7);
        r.e = (uint8_t)(i / 20 % 2);
        r.text.len = 3;
        memcpy(r.text.data, i % 9 ? "abc" : "xyz", 3);
        r.has_o = (uint8_t)(i / 10 % 2);
        r.o = (int16_t)(r.has_o ? i : 0);
        b.b = (uint16_t)(i / 3);
        if (f->count == 0) return;
        (void)telem_file_write(&w->w, f->s[0].id, t, &r);
        (void)telem_schema_pack(&Row_schema, &r, row);
        kit_note_row(&f->s[0], t, row);
        if (f->count == 1 || i % 3) continue;
        (void)telem_file_write(&w->w, f->s[1].id, t, &b);
        (void)telem_schema_pack(&Bit_schema, &b, row);
        kit_note_row(&f->s[1], t, row);
    }
}

static void two_streams(kit_file *f) {
    memset(f, 0, sizeof *f);
    (void)kit_add(f, 1, &Row_schema, 0);
    (void)kit_add(f, 2, &Bit_schema, 0);
}

/* What the loss blocks of the writer say, by stream. */
static uint64_t told[4];
static telem_result read_told(kit_reader *r) {
    telem_file_item item;
    int finished = 0;
    memset(told, 0, sizeof told);
    for (;;) {
        telem_result e = telem_file_next(&r->r, &item);
        if (e == TELEM_OK) {
            kit_take(r, &item);
            if (item.kind == TELEM_ITEM_LOSS && item.loss.hop == TELEM_HOP_WRITER && item.loss.stream < 4) {
                CHECK(told[item.loss.stream] <= item.loss.total);
                told[item.loss.stream] = item.loss.total;
                CHECK_EQ_INT(item.loss.cause, TELEM_CAUSE_IO);
            }
        } else if (e == TELEM_END && !finished) {
            finished = 1;
            CHECK_OK(telem_file_reader_finish(&r->r));
        } else {
            return e;
        }
    }
}

#define ROWS 60u

/* The disk is full after `limit` bytes; `pause` rows later there is room again. */
static void fill_disk(uint8_t profile, size_t limit, uint32_t pause, size_t most, uint32_t block) {
    telem_file_writer_desc d = small_desc(profile);
    telem_file_writer_stats stats;
    telem_error error;
    telem_clock clock = TELEM_ZERO;
    kit_file f;
    kit_writer w;
    kit_reader r;
    disk k;
    telem_io io;
    uint32_t i, full = ROWS;
    uint64_t lost = 0;
    kit_at("profile %u, full at %lu, pause %u, most %lu, block %u", profile, (unsigned long)limit, (unsigned)pause, (unsigned long)most, (unsigned)block);
    two_streams(&f);
    io = disk_io(&k, &f, limit);
    k.most = most;
    k.block = io.block_size = block;
    (void)kit_open(&w, &f, &d, &io);
    (void)telem_file_add_clock(&w.w, 5, &clock, "c");
    (void)kit_add_streams(&w, &f);
    if (w.w.stream_count < 2) { /* a stream that was refused is not there: add it when there is room */
        k.limit = SIZE_MAX;
        CHECK(telem_file_writer_error(&w.w).code == TELEM_ERR_SPACE);
        CHECK_OK(telem_file_writer_clear(&w.w));
        (void)telem_file_add_clock(&w.w, 5, &clock, "c");
        for (i = w.w.stream_count; i < 2; i++) {
            telem_file_stream_desc sd;
            memset(&sd, 0, sizeof sd);
            sd.id = f.s[i].id;
            sd.schema = f.s[i].schema;
            CHECK_OK(telem_file_add_stream(&w.w, &sd));
        }
    }
    for (i = 0; i < ROWS; i++) {
        write_rows(&w, &f, i, i + 1);
        error = telem_file_writer_error(&w.w);
        if (error.code != TELEM_OK && full == ROWS) {
            full = i;
            CHECK_EQ_INT(error.code, TELEM_ERR_SPACE);
            CHECK_EQ_INT(error.offset, f.size);
            CHECK(error.what != NULL);
            CHECK_EQ_INT(telem_file_writer_flush(&w.w), TELEM_ERR_SPACE); /* sticks */
        }
        if (full < ROWS && i == full + pause) {
            k.limit = SIZE_MAX;
            CHECK_EQ_INT(telem_file_writer_clear(&w.w), TELEM_OK);
            CHECK_EQ_INT(telem_file_writer_error(&w.w).code, TELEM_OK);
        }
    }
    k.limit = SIZE_MAX;
    if (telem_file_writer_error(&w.w).code != TELEM_OK) CHECK_OK(telem_file_writer_clear(&w.w));
    CHECK_OK(telem_file_writer_close(&w.w));
    stats = telem_file_writer_get_stats(&w.w);
    CHECK_EQ_INT(stats.bytes, f.size);
    if (kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY) != TELEM_OK) {
        kit_fail("the file does not open");
    } else {
        CHECK_EQ_INT(read_told(&r), TELEM_END);
        CHECK(telem_file_reader_ended(&r.r));
        kit_check_account(&f);
        for (i = 0; i < f.count; i++) {
            telem_file_writer_stats s = telem_file_stream_get_stats(&w.w, f.s[i].id);
            CHECK_EQ_INT(told[f.s[i].id], f.s[i].missing);
            CHECK_EQ_INT(s.lost, f.s[i].missing);
            lost += s.lost;
        }
        CHECK_EQ_INT(stats.lost, lost);
        CHECK_EQ_INT(stats.lost, kit_missing(&f));
    }
    kit_reader_end(&r);
    free(w.memory);
    kit_free_file(&f);
}

static size_t whole_size(uint8_t profile) {
    telem_file_writer_desc d = small_desc(profile);
    kit_file f;
    kit_writer w;
    telem_io io;
    size_t n;
    two_streams(&f);
    io = kit_io(&f);
    CHECK_OK(kit_open(&w, &f, &d, &io));
    CHECK_OK(kit_add_streams(&w, &f));
    write_rows(&w, &f, 0, ROWS);
    CHECK_OK(kit_close(&w));
    n = f.size;
    kit_free_file(&f);
    return n;
}

TEST(disk_full_at_every_byte_is_counted_and_told) {
    uint8_t profile;
    for (profile = 0; profile < 2; profile++) {
        size_t n, size = whole_size(profile) + 60; /* the clock is more */
        for (n = 0; n < size; n += check_quick() ? 13 : 1) {
            fill_disk(profile, n, (uint32_t)(n % 5), 0, 0);
            if (check_g.bad > 10) return;
        }
    }
}

TEST(short_writes_are_gone_on_with) {
    size_t n;
    for (n = 0; n < 2500; n += check_quick() ? 97 : 7) fill_disk(0, n, 3, 1u + n % 30, 0);
    fill_disk(0, SIZE_MAX, 0, 1, 0);
    fill_disk(1, SIZE_MAX, 0, 3, 0);
}

TEST(an_io_of_whole_blocks_gets_whole_blocks) {
    size_t n;
    for (n = 0; n < 3000; n += check_quick() ? 211 : 31) {
        fill_disk(0, n, 2, 0, 128);
        if (check_g.bad > 10) return;
    }
    fill_disk(0, SIZE_MAX, 0, 0, 512);
    fill_disk(1, SIZE_MAX, 0, 0, 64);
}

/* No room comes back: what close tells as lost is exactly what a reader does not get. */
static void close_full(uint8_t profile, size_t limit, uint32_t block) {
    telem_file_writer_desc d = small_desc(profile);
    telem_file_writer_stats stats;
    kit_file f;
    kit_writer w;
    kit_reader r;
    disk k;
    telem_io io;
    size_t size;
    kit_at("profile %u, full at %lu, block %u", profile, (unsigned long)limit, (unsigned)block);
    two_streams(&f);
    io = disk_io(&k, &f, limit);
    k.block = io.block_size = block;
    k.error = TELEM_ERR_IO;
    (void)kit_open(&w, &f, &d, &io);
    (void)kit_add_streams(&w, &f);
    f.count = w.w.stream_count;
    write_rows(&w, &f, 0, ROWS);
    size = whole_size(profile);
    if (block) size = (size + block - 1u) / block * block; /* its last sector is filled up */
    if (limit < size) CHECK_EQ_INT(telem_file_writer_close(&w.w), TELEM_ERR_IO);
    else CHECK_EQ_INT(telem_file_writer_close(&w.w), TELEM_OK);
    CHECK_EQ_INT(telem_file_writer_close(&w.w), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_file_writer_clear(&w.w), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_file_writer_flush(&w.w), TELEM_ERR_STATE);
    stats = telem_file_writer_get_stats(&w.w);
    CHECK_EQ_INT(stats.bytes, f.size);
    if (kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY) == TELEM_OK) {
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        if (kit_delivered(&f) + stats.lost != kit_written(&f))
            kit_fail("%lu delivered, %lu lost, %lu offered", (unsigned long)kit_delivered(&f), (unsigned long)stats.lost, (unsigned long)kit_written(&f));
    }
    kit_reader_end(&r);
    free(w.memory);
    kit_free_file(&f);
}

TEST(close_on_a_full_disk_counts_what_is_lost) {
    uint8_t profile;
    for (profile = 0; profile < 2; profile++) {
        size_t n, size = whole_size(profile);
        for (n = 0; n < size + 2; n += check_quick() ? 17 : 1) {
            close_full(profile, n, 0);
            if (n % 5 == 0) close_full(0, n, 64);
            if (check_g.bad > 10) return;
        }
        close_full(profile, SIZE_MAX, 0);
    }
}

static int64_t odd_answer;
static int64_t odd_write(void *user, const void *p, size_t n) {
    (void)user;
    (void)p;
    return odd_answer == INT64_MAX ? (int64_t)n + 1 : odd_answer;
}

TEST(each_answer_of_an_io_becomes_the_writers_error) {
    static const int64_t answers[] = {TELEM_ERR_IO, TELEM_ERR_SPACE, TELEM_ERR_ACCESS, 0, INT64_MAX};
    static const telem_result expected[] = {TELEM_ERR_IO, TELEM_ERR_SPACE, TELEM_ERR_ACCESS, TELEM_ERR_IO, TELEM_ERR_IO};
    size_t i;
    for (i = 0; i < 5; i++) {
        telem_file_writer_desc d = small_desc(0);
        telem_io io = TELEM_ZERO;
        kit_file f;
        kit_writer w;
        two_streams(&f);
        io.write = odd_write;
        odd_answer = answers[i];
        CHECK_EQ_INT(kit_open(&w, &f, &d, &io), expected[i]);
        CHECK_EQ_INT(telem_file_writer_error(&w.w).code, expected[i]);
        CHECK_EQ_INT(telem_file_writer_error(&w.w).offset, 0);
        CHECK_EQ_INT(telem_file_writer_close(&w.w), expected[i]);
        free(w.memory);
        kit_free_file(&f);
    }
}

TEST(a_failed_sync_sticks_and_can_be_cleared) {
    telem_file_writer_desc d = small_desc(0);
    kit_file f;
    kit_writer w;
    kit_reader r;
    disk k;
    telem_io io;
    kit_at("sync");
    two_streams(&f);
    io = disk_io(&k, &f, SIZE_MAX);
    REQUIRE_OK(kit_open(&w, &f, &d, &io));
    REQUIRE_OK(kit_add_streams(&w, &f));
    write_rows(&w, &f, 0, 10);
    CHECK_OK(telem_file_writer_sync(&w.w));
    k.sync_error = TELEM_ERR_IO;
    write_rows(&w, &f, 10, 20);
    CHECK_EQ_INT(telem_file_writer_sync(&w.w), TELEM_ERR_IO);
    CHECK_EQ_INT(telem_file_writer_sync(&w.w), TELEM_ERR_IO);
    CHECK_EQ_INT(telem_file_writer_error(&w.w).code, TELEM_ERR_IO);
    write_rows(&w, &f, 20, 30); /* refused */
    k.sync_error = TELEM_OK;
    CHECK_OK(telem_file_writer_clear(&w.w));
    write_rows(&w, &f, 30, 40);
    CHECK_OK(telem_file_writer_close(&w.w));
    CHECK_EQ_INT(telem_file_writer_get_stats(&w.w).lost, 13);
    REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY));
    CHECK_EQ_INT(read_told(&r), TELEM_END);
    CHECK_EQ_INT(told[1] + told[2], 13);
    CHECK_EQ_INT(kit_missing(&f), 13);
    kit_check_account(&f);
    kit_reader_end(&r);
    free(w.memory);
    kit_free_file(&f);
}

/* ------------------------------------------------------------------------------- reading ---- */

/* An io whose every other answer is an error; what it gave before still counts. */
typedef struct shaky {
    kit_pipe pipe;
    uint32_t calls;
    telem_result error;
} shaky;

static int64_t shaky_read(void *user, void *buf, size_t n) {
    shaky *s = (shaky *)user;
    if (s->calls++ % 2) return s->error;
    return kit_pipe_read(&s->pipe, buf, n);
}

TEST(reading_goes_on_after_an_io_error) {
    telem_file_writer_desc d = small_desc(0);
    kit_file f;
    kit_writer w;
    kit_reader r;
    shaky s;
    telem_io io;
    telem_file_item item;
    uint32_t errors = 0, step;
    for (step = 1; step < 400; step += 57) {
        telem_result e;
        two_streams(&f);
        io = kit_io(&f);
        REQUIRE_OK(kit_open(&w, &f, &d, &io));
        REQUIRE_OK(kit_add_streams(&w, &f));
        write_rows(&w, &f, 0, ROWS);
        CHECK_OK(kit_close(&w));
        kit_reader_init(&r, &f, READER_MEMORY);
        memset(&s, 0, sizeof s);
        s.error = TELEM_ERR_IO;
        r.io = kit_pipe_io(&s.pipe, f.bytes, f.size, 0, 0);
        s.pipe.most = 104; /* the header comes at once */
        s.pipe.rng = step;
        r.io.user = &s;
        r.io.read = shaky_read;
        (void)kit_pipe_io(&s.pipe, f.bytes, f.size, 0, 0);
        e = telem_file_reader_open(&r.r, &r.d);
        s.pipe.most = step;
        REQUIRE_OK(e);
        while ((e = telem_file_next(&r.r, &item)) != TELEM_END) {
            if (e == TELEM_OK) {
                kit_take(&r, &item);
            } else {
                CHECK_EQ_INT(e, TELEM_ERR_IO);
                CHECK_EQ_INT(telem_file_reader_error(&r.r).code, TELEM_ERR_IO);
                CHECK(telem_file_reader_error(&r.r).offset <= f.size);
                if (++errors > 100000) break;
            }
        }
        CHECK(errors > 0);
        CHECK_EQ_INT(kit_delivered(&f), kit_written(&f));
        CHECK(telem_file_reader_ended(&r.r));
        kit_reader_end(&r);
        kit_free_file(&f);
    }
}

/* A stream that grows while it is read: TELEM_END is not the last word. */
TEST(a_growing_file_is_read_as_it_grows) {
    telem_file_writer_desc d = small_desc(0);
    kit_file f;
    kit_writer w;
    kit_reader r;
    telem_io io;
    telem_file_item item;
    size_t n;
    two_streams(&f);
    io = kit_io(&f);
    REQUIRE_OK(kit_open(&w, &f, &d, &io));
    REQUIRE_OK(kit_add_streams(&w, &f));
    write_rows(&w, &f, 0, ROWS);
    CHECK_OK(kit_close(&w));
    kit_reader_init(&r, &f, READER_MEMORY);
    r.io = kit_pipe_io(&r.pipe, f.bytes, 104, 0, 0);
    REQUIRE_OK(telem_file_reader_open(&r.r, &r.d));
    for (n = 104; n <= f.size; n++) {
        telem_result e;
        r.pipe.n = n;
        while ((e = telem_file_next(&r.r, &item)) == TELEM_OK) kit_take(&r, &item);
        CHECK_EQ_INT(e, TELEM_END);
    }
    CHECK_EQ_INT(kit_delivered(&f), kit_written(&f));
    CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], 0);
    CHECK(telem_file_reader_ended(&r.r));
    kit_reader_end(&r);
    kit_free_file(&f);
}

int main(void) {
    RUN(disk_full_at_every_byte_is_counted_and_told);
    RUN(short_writes_are_gone_on_with);
    RUN(an_io_of_whole_blocks_gets_whole_blocks);
    RUN(close_on_a_full_disk_counts_what_is_lost);
    RUN(each_answer_of_an_io_becomes_the_writers_error);
    RUN(a_failed_sync_sticks_and_can_be_cleared);
    RUN(reading_goes_on_after_an_io_error);
    RUN(a_growing_file_is_read_as_it_grows);
    return CHECK_MAIN_END();
}
