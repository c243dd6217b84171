/* test_attachments.c - telem_file.h: attachments of any size among rows, in chunks; missing and hostile
   chunks; extraction by block headers.  UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#define TEST_CODING TELEM_FILE_COLUMNS
#include "file_kit.h"

#define READER_MEMORY ((size_t)3 << 20)
#define MOST 12u

#define FRAME_TABLE(F) F(COUNT, u32, n, "") F(FIELD, f32, v, "", "") F(FIELD, u64, image, "attachment", "")
TELEM_DEFINE(Frame, FRAME_TABLE, "");

/* What was attached. Its bytes are a function of id and place, so that none need be kept. */
typedef struct thing {
    telem_file_attaching a;
    char name[24];
    uint64_t size, got;
    uint8_t pieces, whole, cut, corrupt;
    uint64_t missing;
} thing;

static uint8_t byte_of(uint64_t seed, uint64_t at) { return (uint8_t)((at * 0x9E3779B97F4A7C15u + seed * 77u) >> 53); }

static void fill(uint8_t *p, uint64_t seed, uint64_t at, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) p[i] = byte_of(seed, at + i);
}

/* A piece is that of some thing, byte for byte. */
static thing *take(thing *t, uint32_t n, const telem_file_item *item) {
    const telem_attachment *a = item->attachment;
    uint32_t i, k;
    for (i = 0; i < n && t[i].a.id != a->id; i++) {}
    if (i == n) {
        kit_fail("a piece of attachment %lu, which was never written", (unsigned long)a->id);
        return NULL;
    }
    if (item->error.code == TELEM_ERR_TRUNCATED) {
        t[i].cut++;
        if (a->size || a->last) kit_fail("a cut attachment with bytes");
        return &t[i];
    }
    t[i].pieces++;
    t[i].got += a->size;
    t[i].missing += a->missing;
    t[i].whole = (uint8_t)(t[i].whole + a->whole);
    if (item->error.code == TELEM_ERR_CORRUPT) t[i].corrupt++;
    if ((item->error.code != TELEM_OK) != (a->missing != 0) && !(a->last && !a->whole)) kit_fail("an error without a reason");
    if (a->offset + a->size > t[i].size) kit_fail("a piece beyond the end");
    for (k = 0; k < a->size; k++)
        if (((const uint8_t *)a->data)[k] != byte_of(i, a->offset + k)) {
            kit_fail("WRONG BYTE %lu of attachment %lu", (unsigned long)(a->offset + k), (unsigned long)a->id);
            break;
        }
    if (a->name_len && (a->name_len != strlen(t[i].name) || memcmp(a->name, t[i].name, a->name_len) != 0 || a->media_len != 9))
        kit_fail("a wrong name");
    if (a->last && a->offset + a->size != t[i].size) kit_fail("it ends too early");
    return &t[i];
}

static void forget(thing *t, uint32_t n) {
    for (; n--; t++) t->got = t->missing = t->pieces = t->whole = t->cut = t->corrupt = 0;
}

static telem_file_writer_desc small_desc(uint8_t profile) {
    telem_file_writer_desc d;
    memset(&d, 0, sizeof d);
    d.profile = profile;
    if (profile == TELEM_FILE_DISK) d.coding = TELEM_FILE_COLUMNS;
    d.max_block = 4096;
    d.max_row = 1024;
    d.max_streams = 4;
    d.block_bytes = 1000;
    d.block_rows = 50;
    d.index_blocks = 8;
    return d;
}

/* Rows, and `n` attachments of random sizes in random pieces, all at once. */
static void write_things(kit_file *f, kit_writer *w, thing *t, uint32_t n, uint64_t *rng, int finish) {
    static uint8_t part[20000];
    uint32_t i, left = n, row = 0;
    for (i = 0; i < n; i++) {
        memset(&t[i], 0, sizeof t[i]);
        t[i].size = kit_one_in(rng, 5) ? 0 : kit_below(rng, kit_one_in(rng, 3) ? 40000 : 900);
        snprintf(t[i].name, sizeof t[i].name, "thing number %u", (unsigned)i);
    }
    while (left) {
        thing *x;
        i = kit_below(rng, n);
        x = &t[i];
        if (!x->name[0] || (x->pieces == 1)) continue; /* done */
        if (!x->a.open) {
            if (kit_one_in(rng, 4)) {
                x->a.id = kit_one_in(rng, 2) ? 0 : ((uint64_t)1 << 32) + i;
                fill(part, i, 0, sizeof part);
                if (x->size <= sizeof part) {
                    CHECK_OK(telem_file_write_attachment(&w->w, &x->a.id, x->name, "image/png", part, (size_t)x->size));
                    x->pieces = 1;
                    left--;
                }
            } else {
                CHECK_OK(telem_file_attach_begin(&w->w, &x->a, kit_one_in(rng, 2) ? 0 : ((uint64_t)1 << 33) + i, x->name, "image/png",
                                                 kit_one_in(rng, 2) ? x->size : TELEM_FILE_UNKNOWN));
            }
        } else if (x->a.offset < x->size) {
            uint64_t some = 1u + kit_below(rng, kit_one_in(rng, 2) ? 9000 : 300);
            if (some > x->size - x->a.offset) some = x->size - x->a.offset;
            fill(part, i, x->a.offset, (size_t)some);
            CHECK_OK(telem_file_attach(&w->w, &x->a, part, (size_t)some));
        } else if (finish) {
            CHECK_OK(telem_file_attach_end(&w->w, &x->a));
            CHECK_EQ_INT(telem_file_attach_end(&w->w, &x->a), TELEM_ERR_STATE);
            x->pieces = 1;
            left--;
        } else {
            x->pieces = 1;
            left--;
        }
        if (!kit_one_in(rng, 3)) {
            Frame r;
            uint8_t bytes[32];
            r.n = row;
            r.v = (float)row * 0.5f;
            r.image = x->a.id;
            CHECK_OK(telem_file_write(&w->w, 1, row * 1000, &r));
            CHECK_OK(telem_schema_pack(&Frame_schema, &r, bytes));
            kit_note_row(&f->s[0], row * 1000, bytes);
            row++;
        }
    }
    forget(t, n);
}

static void make(kit_file *f, thing *t, uint32_t n, uint64_t *rng, uint8_t profile, int finish) {
    kit_writer w;
    telem_file_writer_desc d = small_desc(profile);
    telem_io io;
    memset(f, 0, sizeof *f);
    io = kit_io(f);
    (void)kit_add(f, 1, &Frame_schema, 0);
    REQUIRE_OK(kit_open(&w, f, &d, &io));
    REQUIRE_OK(kit_add_streams(&w, f));
    write_things(f, &w, t, n, rng, finish);
    CHECK_OK(kit_close(&w));
}

/* Reads all; rows and pieces are right. */
static void read_all(kit_reader *r, thing *t, uint32_t n) {
    telem_file_item item;
    int finished = 0;
    for (;;) {
        telem_result e = telem_file_next(&r->r, &item);
        if (e == TELEM_END && !finished) {
            finished = 1;
            CHECK_OK(telem_file_reader_finish(&r->r));
            continue;
        }
        if (e == TELEM_AGAIN) continue;
        if (e != TELEM_OK) break;
        kit_take(r, &item);
        if (item.kind == TELEM_ITEM_ATTACHMENT) (void)take(t, n, &item);
    }
}

TEST(attachments_of_any_size_pass_among_rows) {
    uint64_t rng = kit_seed(1);
    uint32_t round, i, n;
    for (round = 0; round < (check_quick() ? 12u : 200u); round++) {
        kit_file f;
        kit_reader r;
        thing t[MOST];
        uint8_t profile = (uint8_t)kit_below(&rng, 2);
        n = 1u + kit_below(&rng, MOST);
        kit_at("round %u", (unsigned)round);
        make(&f, t, n, &rng, profile, 1);
        if (round % 2) {
            kit_reader_init(&r, &f, READER_MEMORY);
            r.io = kit_pipe_io(&r.pipe, f.bytes, f.size, 700, 9);
            while (telem_file_reader_open(&r.r, &r.d) != TELEM_OK && !r.r.has_session) r.pipe.at = 0;
        } else {
            REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY));
        }
        read_all(&r, t, n);
        CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], 0);
        CHECK_EQ_INT(f.s[0].delivered, f.s[0].n);
        for (i = 0; i < n; i++) {
            CHECK_EQ_INT(t[i].got, t[i].size);
            CHECK_EQ_INT(t[i].whole, 1);
            CHECK_EQ_INT(t[i].corrupt + t[i].cut, 0);
        }
        kit_reader_end(&r);
        kit_free_file(&f);
    }
}

/* By id, or all, without a row; then rows go on to be read. */
TEST(attachments_are_found_by_headers_alone) {
    uint64_t rng = kit_seed(2);
    uint32_t round, i, n;
    for (round = 0; round < (check_quick() ? 6u : 100u); round++) {
        kit_file f;
        kit_reader r;
        thing t[MOST];
        telem_file_item item;
        uint64_t wanted;
        n = 1u + kit_below(&rng, MOST);
        kit_at("round %u", (unsigned)round);
        make(&f, t, n, &rng, 0, 1);
        if (round % 3 == 0) {
            kit_reader_init(&r, &f, READER_MEMORY);
            r.io = kit_pipe_io(&r.pipe, f.bytes, f.size, 700, 0);
            REQUIRE_OK(telem_file_reader_open(&r.r, &r.d));
        } else {
            REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY));
        }
        while (telem_file_next_attachment(&r.r, 0, &item) == TELEM_OK) (void)take(t, n, &item);
        for (i = 0; i < n; i++) CHECK_EQ_INT(t[i].got, t[i].size), CHECK_EQ_INT(t[i].whole, 1);
        if (round % 3) {
            wanted = t[kit_below(&rng, n)].a.id;
            forget(t, n);
            CHECK_OK(telem_file_reader_learn(&r.r));
            while (telem_file_next_attachment(&r.r, wanted, &item) == TELEM_OK) (void)take(t, n, &item);
            for (i = 0; i < n; i++) CHECK_EQ_INT(t[i].whole, t[i].a.id == wanted), CHECK_EQ_INT(t[i].got, t[i].a.id == wanted ? t[i].size : 0);
            CHECK_OK(telem_file_reader_learn(&r.r));
            forget(t, n);
            read_all(&r, t, n);
            CHECK_EQ_INT(f.s[0].delivered, f.s[0].n);
            for (i = 0; i < n; i++) CHECK_EQ_INT(t[i].whole, 1);
        }
        kit_reader_end(&r);
        kit_free_file(&f);
    }
}

/* A block that is gone: what is missing is told to the byte, nothing else is. */
TEST(a_missing_chunk_is_told) {
    uint64_t rng = kit_seed(3);
    static kit_block blocks[4000];
    uint32_t i, n = 5, tried = 0;
    uint64_t lone = 0;
    size_t k, count;
    kit_file f;
    thing t[MOST];
    make(&f, t, n, &rng, 0, 1);
    count = kit_blocks(f.bytes, f.size, blocks, 4000);
    for (k = 0; k < count; k++) {
        kit_reader r;
        uint8_t *copy;
        uint64_t lost = 0;
        if ((blocks[k].kind & 0x1F) != TELEM_BLOCK_ATTACHMENT || (tried++ > 30 && check_quick())) continue;
        kit_at("without block %lu", (unsigned long)k);
        copy = (uint8_t *)kit_alloc(f.size);
        memcpy(copy, f.bytes, f.size);
        copy[blocks[k].offset + (k % 2 ? blocks[k].payload + (size_t)blocks[k].len / 2u : 5u)] ^= 0x10; /* payload, or header */
        forget(t, n);
        REQUIRE_OK(kit_read_memory(&r, &f, copy, f.size, READER_MEMORY));
        read_all(&r, t, n);
        CHECK_EQ_INT(f.s[0].delivered, f.s[0].n);
        for (i = 0; i < n; i++) {
            CHECK(t[i].got + t[i].missing <= t[i].size);
            lost += t[i].whole == 0;
            if (t[i].whole) CHECK_EQ_INT(t[i].got, t[i].size);
            else if (t[i].cut) CHECK_EQ_INT(t[i].corrupt, 0); /* the last chunk went */
            else if (t[i].pieces) CHECK_EQ_INT(t[i].got + t[i].missing, t[i].size);
        }
        CHECK(lost <= 1);
        lone += lost; /* a first chunk without bytes can go: the last one repeats the name */
        kit_reader_end(&r);
        free(copy);
    }
    CHECK(lone > 0);
    kit_free_file(&f);
}

TEST(any_flipped_byte_and_any_prefix_yield_only_right_bytes) {
    uint64_t rng = kit_seed(4);
    uint32_t i, n = 4, round;
    kit_file f;
    thing t[MOST];
    make(&f, t, n, &rng, 0, 1);
    for (round = 0; round < (check_quick() ? 150u : 6000u); round++) {
        kit_reader r;
        telem_file_item item;
        uint8_t *copy = (uint8_t *)kit_alloc(f.size);
        size_t size = f.size;
        uint32_t broken = 0;
        memcpy(copy, f.bytes, f.size);
        if (round % 4 == 3) size = kit_below(&rng, (uint32_t)f.size);
        else copy[kit_below(&rng, (uint32_t)f.size)] ^= (uint8_t)(1u << kit_below(&rng, 8));
        kit_at("round %u", (unsigned)round);
        forget(t, n);
        if (kit_read_memory(&r, &f, copy, size, READER_MEMORY) == TELEM_OK) {
            read_all(&r, t, n);
            for (i = 0; i < n; i++) {
                CHECK(t[i].whole <= 1);
                if (t[i].whole) CHECK_EQ_INT(t[i].got, t[i].size);
                else broken++;
            }
            if (round % 4 != 3) CHECK(broken <= 1);
            if (telem_file_reader_learn(&r.r) == TELEM_OK)
                while (telem_file_next_attachment(&r.r, 0, &item) == TELEM_OK) (void)take(t, n, &item);
        }
        kit_reader_end(&r);
        free(copy);
    }
    kit_free_file(&f);
}

TEST(what_is_never_ended_is_told_as_cut) {
    uint64_t rng = kit_seed(5);
    uint32_t i, n = 3;
    kit_file f;
    kit_reader r;
    thing t[MOST];
    telem_file_item item;
    make(&f, t, n, &rng, 0, 0);
    REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY));
    read_all(&r, t, n);
    for (i = 0; i < n; i++) {
        uint8_t began = t[i].pieces > 0 && !t[i].whole;
        CHECK_EQ_INT(t[i].cut, began);
        CHECK_EQ_INT(t[i].got, t[i].size);
    }
    CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], 0);
    CHECK_OK(telem_file_reader_learn(&r.r));
    forget(t, n);
    while (telem_file_next_attachment(&r.r, 0, &item) == TELEM_OK) (void)take(t, n, &item);
    for (i = 0; i < n; i++) CHECK_EQ_INT(t[i].cut, t[i].pieces > 0 && !t[i].whole);
    kit_reader_end(&r);
    kit_free_file(&f);
}

/* More than a reader follows: the one that rested longest is given up, and says so; no wrong word. */
TEST(too_many_at_once_are_told) {
    kit_file f;
    kit_reader r;
    kit_writer w;
    telem_file_writer_desc d = small_desc(0);
    telem_io io;
    static thing t[40];
    uint8_t part[100];
    uint32_t i, k, whole = 0, cut = 0;
    memset(t, 0, sizeof t);
    memset(&f, 0, sizeof f);
    io = kit_io(&f);
    REQUIRE_OK(kit_open(&w, &f, &d, &io));
    for (i = 0; i < 40; i++) {
        snprintf(t[i].name, sizeof t[i].name, "thing number %u", (unsigned)i);
        t[i].size = 200;
        CHECK_OK(telem_file_attach_begin(&w.w, &t[i].a, 0, t[i].name, "image/png", 200));
        CHECK(t[i].a.id != 0);
        for (k = 0; k < i; k++) CHECK(t[i].a.id != t[k].a.id);
    }
    for (k = 0; k < 2; k++)
        for (i = 0; i < 40; i++) {
            fill(part, i, k * 100, 100);
            CHECK_OK(telem_file_attach(&w.w, &t[i].a, part, 100));
        }
    for (i = 0; i < 40; i++) CHECK_OK(telem_file_attach_end(&w.w, &t[i].a));
    CHECK_OK(kit_close(&w));
    REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY));
    read_all(&r, t, 40);
    for (i = 0; i < 40; i++) {
        whole += t[i].whole;
        cut += t[i].cut;
        CHECK_EQ_INT(t[i].got, 200);
        CHECK(t[i].whole || t[i].cut || t[i].corrupt);
    }
    CHECK(whole < 40 && cut > 0);
    kit_reader_end(&r);
    kit_free_file(&f);
}

/* A disk that fills up: what of an attachment is cut is counted by both sides; one that is ended after the
   error was cleared is not whole, one begun after it is. */
typedef struct disk {
    kit_file *f;
    size_t limit;
} disk;
static int64_t disk_write(void *user, const void *p, size_t n) {
    disk *d = (disk *)user;
    size_t left = d->limit - d->f->size;
    if (left == 0) return TELEM_ERR_SPACE;
    return kit_grow_write(d->f, p, n < left ? n : left);
}

TEST(a_disk_that_fills_up_cuts_and_counts) {
    size_t limit, size = 0;
    for (limit = 104; limit < (size ? size : 106); limit += check_quick() ? 97 : 7) {
        kit_file f;
        kit_reader r;
        kit_writer w;
        telem_file_writer_desc d = small_desc(0);
        telem_io io;
        disk k;
        static thing t[2];
        uint8_t part[3000];
        uint32_t i;
        memset(t, 0, sizeof t);
        memset(&f, 0, sizeof f);
        memset(&io, 0, sizeof io);
        io.user = &k;
        io.write = disk_write;
        k.f = &f;
        k.limit = size ? limit : SIZE_MAX; /* the first time: how large is it? */
        kit_at("limit %lu", (unsigned long)limit);
        REQUIRE_OK(kit_open(&w, &f, &d, &io));
        t[0].size = 9000;
        t[1].size = 3000;
        snprintf(t[0].name, sizeof t[0].name, "%s", "first");
        snprintf(t[1].name, sizeof t[1].name, "%s", "second");
        (void)telem_file_attach_begin(&w.w, &t[0].a, 0, "first", "image/png", 9000);
        for (i = 0; i < 3; i++) {
            fill(part, 0, i * 3000, 3000);
            (void)telem_file_attach(&w.w, &t[0].a, part, 3000);
        }
        (void)telem_file_attach_end(&w.w, &t[0].a);
        if (!size) size = f.size;
        else CHECK_EQ_INT(telem_file_writer_error(&w.w).code, TELEM_ERR_SPACE);
        k.limit = SIZE_MAX;
        CHECK_OK(telem_file_writer_clear(&w.w));
        CHECK_EQ_INT(t[0].a.offset, 9000);
        if (t[0].a.open) CHECK_OK(telem_file_attach_end(&w.w, &t[0].a));
        fill(part, 1, 0, 3000);
        CHECK_OK(telem_file_write_attachment(&w.w, &t[1].a.id, "second", "image/png", part, 3000));
        CHECK(t[0].a.id != t[1].a.id);
        CHECK_OK(kit_close(&w));
        REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY));
        read_all(&r, t, 2);
        CHECK_EQ_INT(t[1].whole, 1);
        if (t[0].a.lost == 0) CHECK_EQ_INT(t[0].whole, 1);
        CHECK(t[0].whole || t[0].missing);
        CHECK_EQ_INT(t[0].got + t[0].missing, 9000); /* to the byte */
        CHECK(t[0].missing <= t[0].a.lost);
        kit_reader_end(&r);
        kit_free_file(&f);
    }
}

TEST(wrong_calls_are_refused) {
    kit_file f;
    kit_writer w;
    telem_file_writer_desc d = small_desc(0);
    telem_io io;
    telem_file_attaching a, none;
    char long_name[300];
    uint64_t id = 9;
    memset(&f, 0, sizeof f);
    memset(&none, 0, sizeof none);
    io = kit_io(&f);
    REQUIRE_OK(kit_open(&w, &f, &d, &io));
    memset(long_name, 'x', sizeof long_name);
    long_name[299] = 0;
    CHECK_EQ_INT(telem_file_attach_begin(&w.w, &a, 0, NULL, "", 0), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_attach_begin(&w.w, &a, 0, "", "", 0), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_attach_begin(&w.w, &a, 0, long_name, "", 0), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_attach_begin(&w.w, &a, 0, "a", long_name, 0), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_attach_begin(&w.w, &a, 0, "a", "", (uint64_t)1 << 63), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_attach_begin(&w.w, NULL, 0, "a", "", 1), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_attach(&w.w, &none, "x", 1), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_file_attach_end(&w.w, &none), TELEM_ERR_STATE);
    CHECK_OK(telem_file_attach_begin(&w.w, &a, 0, "a", NULL, 3));
    CHECK_EQ_INT(telem_file_attach(&w.w, &a, "xxxx", 4), TELEM_ERR_RANGE);
    CHECK_OK(telem_file_attach(&w.w, &a, "xx", 2));
    CHECK_EQ_INT(telem_file_attach_end(&w.w, &a), TELEM_ERR_STATE); /* one byte is to come */
    CHECK_OK(telem_file_attach(&w.w, &a, "x", 1));
    CHECK_OK(telem_file_attach_end(&w.w, &a));
    CHECK_EQ_INT(telem_file_attach(&w.w, &a, "x", 1), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_file_write_attachment(&w.w, &id, "a", "", NULL, 3), TELEM_ERR_ARG);
    CHECK_OK(telem_file_write_attachment(&w.w, &id, "a", "", NULL, 0));
    CHECK_EQ_INT(id, 9);
    CHECK_OK(kit_close(&w));
    CHECK_EQ_INT(telem_file_attach_begin(&w.w, &a, 0, "a", NULL, 3), TELEM_ERR_STATE);
    kit_free_file(&f);
}

/* 5 GB through a writer and a reader that hold a few KB: a pipe that is emptied as it is filled. Only where
   there is time. */
typedef struct loop {
    uint8_t ring[1 << 16];
    size_t from, n;
} loop;
static int64_t loop_write(void *user, const void *p, size_t n) {
    loop *l = (loop *)user;
    if (n > sizeof l->ring - l->from - l->n) {
        memmove(l->ring, l->ring + l->from, l->n);
        l->from = 0;
    }
    if (n > sizeof l->ring - l->n) return TELEM_ERR_SPACE;
    memcpy(l->ring + l->from + l->n, p, n);
    l->n += n;
    return (int64_t)n;
}
static int64_t loop_read(void *user, void *p, size_t n) {
    loop *l = (loop *)user;
    if (n > l->n) n = l->n;
    memcpy(p, l->ring + l->from, n);
    l->from += n;
    l->n -= n;
    return (int64_t)n;
}

TEST(more_than_4_GB_pass_through_a_few_KB) {
    const uint64_t total = check_quick() ? 40000000u : 5000000000u;
    static loop l;
    static uint64_t wm[8192], rm[8192];
    static uint8_t part[30000];
    telem_io in = TELEM_ZERO, out = TELEM_ZERO;
    telem_file_writer w;
    telem_file_reader r;
    telem_file_writer_desc d = small_desc(TELEM_FILE_DISK);
    telem_file_reader_desc rd = TELEM_ZERO;
    telem_file_attaching a;
    telem_file_item item;
    uint64_t got = 0;
    int whole = 0, opened = 0;
    d.coding = TELEM_FILE_ROWS;
    d.max_block = 40000;
    d.block_bytes = 32768;
    out.user = in.user = &l;
    out.write = loop_write;
    in.read = loop_read;
    d.io = &out;
    d.memory = wm;
    d.memory_size = sizeof wm;
    rd.io = &in;
    rd.memory = rm;
    rd.memory_size = sizeof rm;
    REQUIRE_OK(telem_file_writer_open(&w, &d));
    REQUIRE_OK(telem_file_attach_begin(&w, &a, 77, "large", "application/octet-stream", total));
    fill(part, 1, 0, sizeof part);
    while (!whole) {
        uint64_t n = total - a.offset < sizeof part ? total - a.offset : sizeof part;
        if (n) REQUIRE_OK(telem_file_attach(&w, &a, part, (size_t)n));
        else if (a.open) REQUIRE_OK(telem_file_attach_end(&w, &a));
        if (!opened) REQUIRE_OK(telem_file_reader_open(&r, &rd));
        opened = 1;
        while (telem_file_next(&r, &item) == TELEM_OK) {
            if (item.kind != TELEM_ITEM_ATTACHMENT) continue;
            if (item.error.code != TELEM_OK || item.attachment->offset != got) kit_fail("a piece is wrong");
            got += item.attachment->size;
            whole |= item.attachment->whole;
            if (item.attachment->last && !whole) {
                kit_fail("it is not whole");
                return;
            }
        }
    }
    CHECK_EQ_INT(got, total);
}

int main(void) {
    RUN(attachments_of_any_size_pass_among_rows);
    RUN(attachments_are_found_by_headers_alone);
    RUN(a_missing_chunk_is_told);
    RUN(any_flipped_byte_and_any_prefix_yield_only_right_bytes);
    RUN(what_is_never_ended_is_told_as_cut);
    RUN(too_many_at_once_are_told);
    RUN(a_disk_that_fills_up_cuts_and_counts);
    RUN(wrong_calls_are_refused);
    RUN(more_than_4_GB_pass_through_a_few_KB);
    return CHECK_MAIN_END();
}
