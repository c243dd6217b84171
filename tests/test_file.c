/* test_file.c - telem_file.h: the guarantees of its manual, every function and every error code.
   test_file_random.c, test_file_damage.c and test_file_io.c go on where this one ends.  UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#include "file_kit.h"

#define READER_MEMORY 65536u
#define MAX_BLOCKS 600u

/* A small file that holds every block type that the writer makes. */
static telem_file_writer_desc small_desc(uint8_t profile, uint8_t lz4) {
    telem_file_writer_desc d;
    memset(&d, 0, sizeof d);
    d.profile = profile;
    d.coding = TELEM_FILE_ROWS;
    d.lz4 = lz4;
    d.max_block = 4096;
    d.max_row = 1024;
    d.max_streams = 4;
    d.block_bytes = lz4 ? 400 : 120;
    d.key_bytes = 300;
    d.key_rows = 4;
    d.index_blocks = 5;
    d.announce_ns = 30000000;
    return d;
}

TELEM_LABELS(mode_labels, {0, "IDLE"}, {1, "ARMED"}, {2, "FAILSAFE"});
TELEM_LABELS(fault_labels, {0, "LOW_BATTERY"}, {3, "NO_GPS"});
#define VEC_TABLE(F) F(FIELD, f32, x, "m", "") F(FIELD, f32, y, "m", "") F(OPT, f32, z, "m", "")
TELEM_DEFINE(Vec, VEC_TABLE, "place");
#define FULL_TABLE(F) \
    F(COUNT, u32, n, "sequence") \
    F(FIELD, bool_, on, "", "") F(FIELD, u8, a8, "", "") F(FIELD, i16, a16, "", "") F(FIELD, u64, a64, "", "") \
    F(FIELD, f16, half, "", "") F(FIELD, bf16, brain, "", "") F(FIELD, f32, single, "V", "") F(FIELD, f64, real, "K", "") \
    F(SCALED, i16, scaled, "deg", 0.01, 0.0, "") F(ARRAY, i32, array, 9, "", "") \
    F(ENUM, u8, mode, mode_labels, "") F(BITS, u16, faults, fault_labels, "") \
    F(CHARS, name, 8, "") F(BYTES, raw, 5, "") F(STRING, text, 30, "") F(BLOB, blob, 20, "") \
    F(OPT, f64, maybe, "", "") F(OPTSTRING, note, 10, "") F(STRUCT, Vec, pos, "") F(OPTSTRUCT, Vec, home, "") \
    F(STRUCTS, Vec, path, 2, "")
TELEM_DEFINE(Full, FULL_TABLE, "one field of each kind");
#define TINY_TABLE(F) F(FIELD, i16, v, "", "")
TELEM_DEFINE(Tiny, TINY_TABLE, "");
static const telem_schema none_schema = {"None", "no fields", NULL, 1, 0, 1, 0, 0};

static void step_full(Full *r, uint64_t *rng) {
    r->n++;
    if (!kit_one_in(rng, 3)) return;
    r->on = kit_one_in(rng, 2);
    r->a16 = (int16_t)(r->a16 + (int16_t)kit_below(rng, 9) - 4);
    r->a64 += check_rand(rng) >> kit_below(rng, 64);
    r->single += 0.5f;
    r->array[kit_below(rng, 9)] += (int32_t)kit_below(rng, 700);
    r->mode = (uint8_t)kit_below(rng, 3);
    if (kit_one_in(rng, 3)) {
        r->text.len = kit_below(rng, 31);
        memset(r->text.data, 0, sizeof r->text.data);
        memset(r->text.data, 'a' + (int)kit_below(rng, 26), r->text.len);
        r->has_maybe = (uint8_t)kit_below(rng, 2);
        r->maybe = r->has_maybe ? 1.0 / (double)(1 + kit_below(rng, 9)) : 0;
        r->has_home = (uint8_t)kit_below(rng, 2);
        memset(&r->home, 0, sizeof r->home);
        r->home.x = r->has_home ? 3.0f : 0.0f;
        r->path[1].has_z = 1;
        r->path[1].z += 1.0f;
    }
}

static void add_row(kit_writer *w, kit_stream *s, int64_t t, const void *rec) {
    uint8_t row[4096];
    CHECK_OK(telem_schema_pack(s->schema, rec, row));
    CHECK_OK(telem_file_write(&w->w, s->id, t, rec));
    kit_note_row(s, t, row);
}

/* Two streams and one of everything else. */
static void make_small(kit_file *f, const telem_file_writer_desc *d, uint32_t rows, uint64_t seed) {
    kit_writer w;
    telem_io io;
    telem_clock clock = TELEM_ZERO;
    telem_annotation a = TELEM_ZERO;
    telem_metadata m = TELEM_ZERO;
    telem_loss l = TELEM_ZERO;
    telem_sync y = TELEM_ZERO;
    uint64_t rng = seed;
    uint32_t i;
    int64_t t = 5000;
    Full full;
    Tiny tiny = TELEM_ZERO;
    memset(f, 0, sizeof *f);
    memset(&full, 0, sizeof full);
    (void)kit_add(f, 1, &Full_schema, 0);
    (void)kit_add(f, 7, &Tiny_schema, 0);
    io = kit_io(f);
    REQUIRE_OK(kit_open(&w, f, d, &io));
    clock.hz_num = 1000;
    clock.domain = TELEM_DOMAIN_UTC;
    CHECK_OK(telem_file_add_clock(&w.w, 3, &clock, "gps"));
    REQUIRE_OK(kit_add_streams(&w, f));
    for (i = 0; i < rows; i++) {
        t += 1000000;
        step_full(&full, &rng);
        add_row(&w, &f->s[0], t, &full);
        tiny.v = (int16_t)(tiny.v + (i % 5 == 0));
        if (i % 2) add_row(&w, &f->s[1], t, &tiny);
        if (i % 16 == 3) {
            a.text = "note";
            a.time = t;
            a.stream = 1;
            CHECK_OK(telem_file_annotate(&w.w, &a));
            m.key = "k";
            m.type = TELEM_VALUE_TEXT;
            m.data = "v";
            m.stream = TELEM_ALL_STREAMS;
            CHECK_OK(telem_file_write_metadata(&w.w, &m));
            l.stream = 7;
            l.count = 2;
            l.text = "x";
            CHECK_OK(telem_file_write_loss(&w.w, &l));
            y.clock_b = 3;
            CHECK_OK(telem_file_write_sync(&w.w, &y));
        }
    }
    CHECK_OK(kit_close(&w));
}

/* --- cuts --- */

typedef struct expected {
    uint64_t rows, missing; /* of whole blocks; of a last one whose header is whole */
    size_t end;             /* of the last whole block or header */
} expected;

static expected expect(const kit_block *b, size_t blocks, size_t n) {
    expected e = {0, 0, 0};
    size_t i;
    for (i = 0; i < blocks && b[i].offset < n; i++) {
        if (b[i].offset + b[i].size <= n) {
            e.rows += b[i].rows;
            e.end = b[i].offset + b[i].size;
        } else if (b[i].offset + b[i].bare <= n) {
            e.missing += b[i].rows;
        }
    }
    return e;
}

static void check_prefix(kit_file *f, const kit_block *b, size_t blocks, size_t n) {
    kit_reader r;
    expected e = expect(b, blocks, n);
    uint8_t *copy = (uint8_t *)kit_alloc(n); /* exact: one byte too far is seen */
    telem_result opened;
    memcpy(copy, f->bytes, n);
    opened = kit_read_memory(&r, f, copy, n, READER_MEMORY);
    if (n < 104) {
        CHECK_EQ_INT(opened, TELEM_ERR_TRUNCATED);
        CHECK_EQ_INT(telem_file_reader_error(&r.r).offset, n);
    } else {
        CHECK_EQ_INT(opened, TELEM_OK);
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        CHECK_EQ_INT(kit_delivered(f), e.rows);
        if (telem_file_reader_session(&r.r)->profile == TELEM_FILE_DISK) CHECK_EQ_INT(kit_missing(f), e.missing);
        else CHECK_EQ_INT(f->s[0].doubtful + f->s[1].doubtful, e.missing); /* a wire's header is not believed */
        CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], n > e.end ? 1 : 0);
        CHECK_EQ_INT(r.items[TELEM_ITEM_END], n == f->size ? 1 : 0);
        CHECK_EQ_INT(telem_file_reader_ended(&r.r), n == f->size);
        if (n > e.end) {
            CHECK_EQ_INT(r.damage.code, TELEM_ERR_TRUNCATED);
            CHECK_EQ_INT(r.damage.offset, e.end);
            CHECK_EQ_INT(r.damage_bytes, n - e.end);
        }
    }
    kit_reader_end(&r);
    free(copy);
}

TEST(every_prefix_yields_its_whole_blocks) {
    static kit_block blocks[MAX_BLOCKS];
    uint8_t variant;
    for (variant = 0; variant < 4; variant++) {
        telem_file_writer_desc d = small_desc(variant & 1, variant >> 1);
        kit_file f;
        size_t n, count;
        make_small(&f, &d, 60, 42);
        count = kit_blocks(f.bytes, f.size, blocks, MAX_BLOCKS);
        for (n = 0; n <= f.size; n += check_quick() ? 7 : 1) {
            kit_at("variant %u cut at %lu of %lu", variant, (unsigned long)n, (unsigned long)f.size);
            check_prefix(&f, blocks, count, n);
        }
        kit_free_file(&f);
    }
}

/* --- flips --- */

/* May rows of stream `s` be missing when a byte of block `hit` is flipped? */
static void check_flip_costs(const kit_file *f, const kit_block *b, size_t blocks, size_t pos) {
    size_t i, hit = blocks;
    uint32_t k;
    for (i = 0; i < blocks; i++)
        if (pos >= b[i].offset && pos < b[i].offset + b[i].size) hit = i;
    for (k = 0; k < f->count; k++) {
        const kit_stream *s = &f->s[k];
        uint64_t from = 0, to = 0, row;
        if (hit < blocks && b[hit].rows && b[hit].stream == s->id) { /* the group */
            to = s->n;
            for (i = 0; i < blocks; i++) {
                if (b[i].rows == 0 || b[i].stream != s->id || !(b[i].kind & 0x40)) continue;
                if (i <= hit) from = b[i].first_row;
                else if (to > b[i].first_row) to = b[i].first_row;
            }
        } else if (hit < blocks && (b[hit].kind & 0x1F) == TELEM_BLOCK_SCHEMA) {
            to = s->n; /* all rows of one stream */
        }
        for (row = 0; row < s->n; row++) {
            if (s->seen[row] != KIT_DELIVERED && (row < from || row >= to)) {
                kit_fail("row %lu of stream %u is lost outside the group", (unsigned long)row, (unsigned)s->id);
                break;
            }
        }
    }
}

static void check_flip(kit_file *f, uint8_t *copy, const kit_block *b, size_t blocks, size_t pos, uint8_t flip) {
    kit_reader r;
    telem_result opened;
    copy[pos] ^= flip;
    opened = kit_read_memory(&r, f, copy, f->size, READER_MEMORY);
    if (opened == TELEM_OK) {
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        if (telem_file_reader_ended(&r.r)) kit_check_account(f);
        else CHECK(pos >= b[blocks - 1].offset);
        if (r.items[TELEM_ITEM_DAMAGE] == 0) kit_fail("a flipped byte is not told");
        check_flip_costs(f, b, blocks, pos);
    } else {
        CHECK(pos < 104);
        CHECK_EQ_INT(opened, TELEM_ERR_CORRUPT);
    }
    kit_reader_end(&r);
    copy[pos] ^= flip;
}

TEST(no_flipped_byte_delivers_a_wrong_row) {
    static kit_block blocks[MAX_BLOCKS];
    static const uint8_t flips[] = {0x01, 0x80, 0xFF, 0x40};
    uint8_t variant;
    for (variant = 0; variant < 4; variant++) {
        telem_file_writer_desc d = small_desc(variant & 1, variant >> 1);
        kit_file f;
        size_t n, count, i;
        uint8_t *copy;
        make_small(&f, &d, 40, 43);
        count = kit_blocks(f.bytes, f.size, blocks, MAX_BLOCKS);
        copy = (uint8_t *)kit_alloc(f.size);
        memcpy(copy, f.bytes, f.size);
        for (n = 0; n < f.size; n += check_quick() ? 11 : 1) {
            for (i = 0; i < sizeof flips; i++) {
                kit_at("variant %u byte %lu of %lu flip %02x", variant, (unsigned long)n, (unsigned long)f.size, flips[i]);
                check_flip(&f, copy, blocks, count, n, flips[i]);
            }
        }
        free(copy);
        kit_free_file(&f);
    }
}

/* --- a full disk --- */

typedef struct disk {
    kit_file *f;
    size_t room;
} disk;
static int64_t disk_write(void *user, const void *p, size_t n) {
    disk *d = (disk *)user;
    if (d->room == 0) return TELEM_ERR_SPACE;
    if (n > d->room) n = d->room;
    d->room -= n;
    return kit_grow_write(d->f, p, n);
}

/* test_file_io.c does this at every byte */
TEST(disk_full_is_counted_and_told) {
    telem_file_writer_desc d = small_desc(0, 0);
    telem_file_writer_stats stats;
    telem_file_item item;
    uint64_t told = 0;
    kit_file f;
    kit_writer w;
    kit_reader r;
    disk k;
    telem_io io = TELEM_ZERO;
    int i, refused = 0;
    memset(&f, 0, sizeof f);
    kit_at("full disk");
    (void)kit_add(&f, 7, &Tiny_schema, 0);
    k.f = &f;
    k.room = 1500;
    io.user = &k;
    io.write = disk_write;
    REQUIRE_OK(kit_open(&w, &f, &d, &io));
    REQUIRE_OK(kit_add_streams(&w, &f));
    for (i = 0; i < 2000; i++) {
        Tiny t;
        uint8_t row[2];
        telem_result e;
        t.v = (int16_t)(i * 77);
        (void)telem_schema_pack(&Tiny_schema, &t, row);
        e = telem_file_write(&w.w, 7, i, &t);
        kit_note_row(&f.s[0], i, row);
        if (e == TELEM_OK) continue;
        CHECK_EQ_INT(e, TELEM_ERR_SPACE);
        if (++refused < 100) continue;
        k.room = SIZE_MAX;
        CHECK_OK(telem_file_writer_clear(&w.w));
    }
    CHECK_EQ_INT(refused, 100);
    CHECK_OK(kit_close(&w));
    stats = telem_file_writer_get_stats(&w.w);
    CHECK(stats.lost > 100); /* the block that did not fit, too */
    REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY));
    while (telem_file_next(&r.r, &item) == TELEM_OK) {
        kit_take(&r, &item);
        if (item.kind == TELEM_ITEM_LOSS) told += item.loss.count;
        if (item.kind == TELEM_ITEM_LOSS) CHECK_EQ_INT(item.loss.hop, TELEM_HOP_WRITER);
    }
    kit_check_account(&f);
    CHECK_EQ_INT(kit_missing(&f), stats.lost);
    CHECK_EQ_INT(told, stats.lost);
    kit_reader_end(&r);
    kit_free_file(&f);
}

/* --- memory --- */

TEST(memory_formulas_are_exact) {
    uint32_t variant;
    for (variant = 0; variant < 16; variant++) {
        telem_file_writer_desc d = small_desc(variant & 1, (variant >> 1) & 1);
        telem_file_stream_desc sd = TELEM_ZERO;
        telem_file_writer w;
        telem_io io;
        kit_file f;
        size_t bytes, stream;
        void *memory;
        memset(&f, 0, sizeof f);
        io = kit_io(&f);
        if (variant & 4) io.block_size = 100;
        if (variant & 8) d.no_index = 1;
        d.io = &io;
        d.session = 5;
        sd.id = 1;
        sd.schema = &Full_schema;
        bytes = telem_file_writer_bytes(&d);
        stream = telem_file_stream_bytes(&d, &sd);
        memory = d.memory = kit_alloc(bytes + 2 * stream);
        d.memory_size = bytes - 1;
        CHECK_EQ_INT(telem_file_writer_open(&w, &d), TELEM_ERR_MEMORY);
        CHECK_EQ_INT(f.size, 0); /* nothing was written */
        d.memory_size = bytes + 2 * stream - 1;
        CHECK_OK(telem_file_writer_open(&w, &d));
        CHECK_OK(telem_file_add_stream(&w, &sd));
        sd.id = 2;
        sd.name = "second";
        CHECK_EQ_INT(telem_file_add_stream(&w, &sd), TELEM_ERR_MEMORY);
        d.memory_size++;
        CHECK_OK(telem_file_writer_open(&w, &d));
        sd.id = 1;
        CHECK_OK(telem_file_add_stream(&w, &sd));
        sd.id = 2;
        sd.name = "third";
        CHECK_OK(telem_file_add_stream(&w, &sd)); /* all of it is used in the other tests: kit_open */
        CHECK_OK(telem_file_writer_close(&w));
        free(memory);
        free(f.bytes);
    }
}

/* A reader works in what the manual says, and below that says so. */
/* Who looks at close alone, as in the QUICK START, is told why nothing was written. */
TEST(refused_open_sticks) {
    telem_file_writer_desc d = small_desc(0, 0);
    telem_file_stream_desc sd = TELEM_ZERO;
    telem_file_writer w;
    telem_io io;
    kit_file f;
    uint64_t memory[64];
    Full full = TELEM_ZERO;
    memset(&f, 0, sizeof f);
    memset(&w, 0xA5, sizeof w); /* as on a stack */
    io = kit_io(&f);
    d.io = &io;
    d.session = 5;
    d.memory = memory;
    d.memory_size = sizeof memory;
    sd.id = 1;
    sd.schema = &Full_schema;
    CHECK_EQ_INT(telem_file_writer_open(&w, &d), TELEM_ERR_MEMORY);
    CHECK_EQ_INT(telem_file_add_stream(&w, &sd), TELEM_ERR_MEMORY);
    CHECK_EQ_INT(telem_file_write(&w, 1, 0, &full), TELEM_ERR_MEMORY);
    CHECK_EQ_INT(telem_file_writer_flush(&w), TELEM_ERR_MEMORY);
    CHECK_EQ_INT(telem_file_writer_clear(&w), TELEM_ERR_MEMORY);
    CHECK_EQ_INT(telem_file_writer_close(&w), TELEM_ERR_MEMORY);
    CHECK(telem_file_writer_error(&w).what != NULL);
    CHECK_EQ_INT(telem_file_writer_get_stats(&w).rows, 0);
    CHECK_EQ_INT(f.size, 0);
    d.io = NULL;
    memset(&w, 0xA5, sizeof w);
    CHECK_EQ_INT(telem_file_writer_open(&w, &d), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_write(&w, 1, 0, &full), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_writer_close(&w), TELEM_ERR_ARG);
}

TEST(refused_open_of_a_reader_is_told_by_next) {
    telem_file_reader_desc d = TELEM_ZERO;
    telem_file_reader r;
    telem_file_item item;
    uint64_t memory[64];
    d.memory = memory;
    d.memory_size = sizeof memory;
    memset(&r, 0xA5, sizeof r); /* as on a stack */
    CHECK_EQ_INT(telem_file_reader_open(&r, &d), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_next(&r, &item), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_reader_finish(&r), TELEM_ERR_STATE);
    CHECK(telem_file_reader_stream(&r, 0) == NULL);
    CHECK(telem_file_reader_error(&r).what != NULL);
    d.map = memory;
    d.map_size = sizeof memory;
    memset(&r, 0xA5, sizeof r);
    CHECK_EQ_INT(telem_file_reader_open(&r, &d), TELEM_ERR_MEMORY);
    CHECK_EQ_INT(telem_file_next(&r, &item), TELEM_ERR_MEMORY);
}

TEST(reader_memory_is_bounded) {
    telem_file_writer_desc d = small_desc(0, 1);
    kit_file f;
    size_t n;
    int whole = 0, refused = 0;
    make_small(&f, &d, 40, 11);
    for (n = 8; n < 40000; n += check_quick() ? 1999 : 111) {
        kit_reader r;
        telem_result e = kit_read_memory(&r, &f, f.bytes, f.size, n & ~(size_t)7);
        kit_at("memory %lu", (unsigned long)n);
        if (e == TELEM_OK) {
            CHECK(n >= 4096 + 8192);
            CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
            if (telem_file_reader_ended(&r.r) && kit_delivered(&f) == kit_written(&f)) whole++;
            else CHECK(r.items[TELEM_ITEM_DAMAGE] > 0);
        } else {
            CHECK_EQ_INT(e, TELEM_ERR_MEMORY);
            CHECK(telem_file_reader_error(&r.r).what != NULL);
            refused++;
        }
        kit_reader_end(&r);
    }
    CHECK(whole > 0 && refused > 0);
    kit_free_file(&f);
}

/* --- what this version does not read --- */

TEST(unsupported_block_is_skipped) {
    telem_file_writer_desc d = small_desc(0, 0);
    static const uint8_t key_rows[] = {7, 5, 0, 0, 0, 0, 0};       /* stream, rows, flags, tag, first row, base time */
    static const uint8_t one_row[] = {0, 1, 9};                    /* token, mask, tag: v = 1 */
    static const uint8_t newer[] = {8, 5, 0};                      /* columns: a reserved bit of its form */
    static const uint8_t kinds[] = {TELEM_BLOCK_COLUMNS | 0x40, 22, 20, 21 | 0x80, TELEM_BLOCK_MINI | 0x40};
    static const uint8_t rows[] = {5, 0, 0, 0, 3};
    uint8_t out[4096], fields[16];
    kit_file f;
    kit_writer w;
    telem_io io;
    kit_frame frame;
    kit_block b;
    kit_reader r;
    telem_file_item item;
    size_t n, i, at[6];
    uint64_t first = 0, fingerprint = telem_schema_fingerprint(&Tiny_schema);
    memset(&f, 0, sizeof f);
    io = kit_io(&f);
    (void)kit_add(&f, 7, &Tiny_schema, 0);
    REQUIRE_OK(kit_open(&w, &f, &d, &io));
    REQUIRE_OK(kit_add_streams(&w, &f));
    CHECK_OK(kit_close(&w));
    frame = kit_frame_of(f.bytes);
    REQUIRE(kit_get_block(&frame, f.bytes, f.size, 104, &b));
    n = 104 + b.size;
    memcpy(out, f.bytes, n);
    for (i = 0; i < 5; i++) {
        memcpy(fields, key_rows, sizeof key_rows);
        telem_put16(fields + 3, (uint16_t)(fingerprint & 0xFFFFu));
        fields[1] = rows[i];
        fields[5] = (uint8_t)first;
        first += rows[i];
        at[i] = n;
        n += kit_put_block(&frame, out + n, kinds[i], i + 1, fields, rows[i] ? 7 : 0, i ? one_row : newer, 3);
    }
    at[5] = n;
    fields[1] = 1;
    fields[5] = (uint8_t)first; /* 8 */
    n += kit_put_block(&frame, out + n, TELEM_BLOCK_ROWS | 0x40, 6, fields, 7, one_row, 3);

    REQUIRE_OK(kit_read_memory(&r, &f, out, n, READER_MEMORY));
    CHECK_OK(telem_file_next(&r.r, &item));
    CHECK_EQ_INT(item.kind, TELEM_ITEM_SESSION);
    CHECK_OK(telem_file_next(&r.r, &item));
    CHECK_EQ_INT(item.kind, TELEM_ITEM_STREAM);
    for (i = 0, first = 0; i < 5; i++) {
        if (kinds[i] & 0x80) continue; /* nothing is said */
        CHECK_OK(telem_file_next(&r.r, &item));
        CHECK_EQ_INT(item.kind, TELEM_ITEM_DAMAGE);
        CHECK_EQ_INT(item.error.code, i < 4 ? TELEM_ERR_UNSUPPORTED : TELEM_ERR_CORRUPT); /* the last: a mini block cut short */
        CHECK_EQ_INT(item.error.offset, at[i]);
        CHECK_EQ_INT(item.bytes, at[i + 1] - at[i]);
        if (rows[i] == 0) continue;
        CHECK_OK(telem_file_next(&r.r, &item));
        CHECK_EQ_INT(item.kind, TELEM_ITEM_MISSING);
        CHECK_EQ_INT(item.error.code, i < 4 ? TELEM_ERR_UNSUPPORTED : TELEM_ERR_CORRUPT);
        CHECK_EQ_INT(item.row, first);
        CHECK_EQ_INT(item.count, rows[i]);
        CHECK_EQ_INT(item.at_least, 0);
        first += rows[i];
    }
    CHECK_OK(telem_file_next(&r.r, &item));
    CHECK_EQ_INT(item.kind, TELEM_ITEM_ROW);
    CHECK_EQ_INT(item.row, 8);
    CHECK_EQ_INT(item.data[0], 1);
    CHECK_EQ_INT(item.stream->lost, 8);
    CHECK_EQ_INT(item.stream->rows, 1);
    CHECK_EQ_INT(telem_file_next(&r.r, &item), TELEM_END);
    kit_reader_end(&r);
    kit_free_file(&f);
}

/* A journal zone that is no good is passed over: in a file, in a pipe, and cut in its middle. */
TEST(a_strange_journal_zone_is_passed_over) {
    telem_file_writer_desc d = small_desc(0, 0);
    kit_file f;
    uint8_t *with;
    size_t zone = 100000, n, cut;
    int pipe;
    make_small(&f, &d, 30, 5);
    n = f.size + zone;
    with = (uint8_t *)kit_alloc(n);
    memcpy(with, f.bytes, 104);
    memset(with + 104, 0xD7, zone);
    memcpy(with + 104 + zone, f.bytes + 104, f.size - 104);
    with[24] = 1;
    telem_put64(with + 88, zone);
    telem_put32(with + 100, XXH32(with, 100, 0));
    for (pipe = 0; pipe < 2; pipe++) {
        for (cut = 0; cut < 3; cut++) {
            kit_reader r;
            kit_at("journal, pipe %d, cut %d", pipe, (int)cut);
            kit_reader_init(&r, &f, READER_MEMORY);
            r.io = pipe ? kit_pipe_io(&r.pipe, with, cut ? 50000 * cut : n, 700, 0) : telem_io_memory_view(&r.m, with, cut ? 50000 * cut : n);
            REQUIRE_OK(telem_file_reader_open(&r.r, &r.d));
            CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
            CHECK_EQ_INT(r.damage.code, pipe ? TELEM_ERR_UNSUPPORTED : cut ? TELEM_ERR_TRUNCATED : TELEM_ERR_CORRUPT);
            CHECK_EQ_INT(r.damage.offset, 104);
            if (cut == 0) {
                CHECK_EQ_INT(r.damage_bytes, zone);
                CHECK_EQ_INT(kit_delivered(&f), kit_written(&f));
            }
            kit_reader_end(&r);
        }
    }
    free(with);
    kit_free_file(&f);
}

/* --- every function and code --- */

TEST(writer_refuses_what_is_wrong) {
    static uint64_t memory[8192];
    telem_file_writer_desc good = small_desc(0, 0), d;
    telem_file_stream_desc sd = TELEM_ZERO;
    telem_clock clock = TELEM_ZERO;
    telem_annotation a = TELEM_ZERO;
    telem_metadata m = TELEM_ZERO;
    telem_loss l = TELEM_ZERO;
    telem_schema bad = Tiny_schema;
    telem_file_writer w;
    telem_io io, no_write = TELEM_ZERO;
    kit_file f;
    Full full;
    char long_name[300];
    uint32_t i;
    memset(&f, 0, sizeof f);
    memset(&full, 0, sizeof full);
    memset(&w, 0, sizeof w);
    memset(long_name, 'n', sizeof long_name);
    long_name[299] = 0;
    io = kit_io(&f);
    good.io = &io;
    good.memory = memory;
    good.memory_size = sizeof memory;
    good.session = 9;
#define REFUSED(member, value) \
    do { \
        d = good; \
        d.member = value; \
        CHECK_EQ_INT(telem_file_writer_open(&w, &d), TELEM_ERR_ARG); \
    } while (0)
    REFUSED(io, NULL);
    REFUSED(io, &no_write);
    REFUSED(memory, NULL);
    REFUSED(memory, (uint8_t *)memory + 4);
    REFUSED(profile, 2);
    REFUSED(max_block, 255);
    REFUSED(max_block, (1u << 30) + 1u);
    REFUSED(max_row, 16777217u);
    REFUSED(max_streams, 65536u);
    REFUSED(block_rows, 1048577u);
    CHECK_EQ_INT(telem_file_writer_open(NULL, &good), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_writer_open(&w, NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_writer_close(&w), TELEM_ERR_ARG);
    CHECK_EQ_INT(f.size, 0);

    CHECK_OK(telem_file_writer_open(&w, &good));
    clock.bits = 65;
    CHECK_EQ_INT(telem_file_add_clock(&w, 1, &clock, "c"), TELEM_ERR_ARG);
    clock.bits = 32;
    clock.domain = 4;
    CHECK_EQ_INT(telem_file_add_clock(&w, 1, &clock, "c"), TELEM_ERR_ARG);
    clock.domain = TELEM_DOMAIN_TAI;
    CHECK_EQ_INT(telem_file_add_clock(&w, 1, NULL, "c"), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_add_clock(&w, 1, &clock, long_name), TELEM_ERR_ARG);
    CHECK_OK(telem_file_add_clock(&w, 1, &clock, NULL));
    clock.hz_num = 7;
    CHECK_EQ_INT(telem_file_add_clock(&w, 1, &clock, "c"), TELEM_ERR_EXISTS);
    for (i = 2; i < 17; i++) CHECK_OK(telem_file_add_clock(&w, i, &clock, "c"));
    CHECK_EQ_INT(telem_file_add_clock(&w, 17, &clock, "c"), TELEM_ERR_LIMIT);

#define WONT(call, answer, words) \
    do { /* a refusal has words, and does not stick */ \
        telem_error why; \
        CHECK_EQ_INT(call, answer); \
        why = telem_file_writer_error(&w); \
        CHECK_EQ_INT(why.code, TELEM_OK); \
        CHECK(why.what && strstr(why.what, words)); \
    } while (0)
    WONT(telem_file_add_clock(&w, 1, &clock, "c"), TELEM_ERR_EXISTS, "this id");
    WONT(telem_file_add_clock(&w, 17, &clock, long_name), TELEM_ERR_ARG, "255");
    WONT(telem_file_add_stream(&w, NULL), TELEM_ERR_ARG, "no schema");
    WONT(telem_file_add_stream(&w, &sd), TELEM_ERR_ARG, "no schema");
    sd.schema = &bad;
    bad.name = "";
    CHECK_EQ_INT(telem_file_add_stream(&w, &sd), TELEM_ERR_ARG);
    CHECK(telem_file_writer_error(&w).what != NULL);
    sd.schema = &Tiny_schema;
    sd.id = TELEM_ALL_STREAMS;
    WONT(telem_file_add_stream(&w, &sd), TELEM_ERR_ARG, "all streams");
    sd.id = 1;
    sd.name = long_name;
    WONT(telem_file_add_stream(&w, &sd), TELEM_ERR_ARG, "255");
    sd.name = NULL;
    sd.clock = 99;
    WONT(telem_file_add_stream(&w, &sd), TELEM_ERR_NOT_FOUND, "clock");
    sd.clock = 0;
    sd.block_bytes = 5000;
    WONT(telem_file_add_stream(&w, &sd), TELEM_ERR_LIMIT, "max_block");
    sd.block_bytes = 0;
    CHECK_OK(telem_file_add_stream(&w, &sd));
    CHECK(telem_file_writer_error(&w).what == NULL);
    WONT(telem_file_add_stream(&w, &sd), TELEM_ERR_EXISTS, "this id");
    sd.id = 2;
    WONT(telem_file_add_stream(&w, &sd), TELEM_ERR_EXISTS, "name");
    sd.name = "two";
    sd.schema = &Full_schema;
    CHECK_OK(telem_file_add_stream(&w, &sd));

    CHECK_EQ_INT(telem_file_write(&w, 3, 0, &full), TELEM_ERR_NOT_FOUND);
    full.text.len = 31;
    CHECK_EQ_INT(telem_file_write(&w, 2, 0, &full), TELEM_ERR_RANGE);
    full.text.len = 30;
    CHECK_OK(telem_file_write(&w, 2, 0, &full));
    CHECK_EQ_INT(telem_file_stream_get_stats(&w, 2).rows, 1);
    CHECK_EQ_INT(telem_file_stream_get_stats(&w, 3).rows, 0);

    CHECK_EQ_INT(telem_file_write_loss(&w, NULL), TELEM_ERR_ARG);
    l.cause = 8;
    CHECK_EQ_INT(telem_file_write_loss(&w, &l), TELEM_ERR_ARG);
    l.cause = 0;
    l.has_span = 1;
    l.first = 1;
    CHECK_EQ_INT(telem_file_write_loss(&w, &l), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_write_sync(&w, NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_annotate(&w, NULL), TELEM_ERR_ARG);
    a.level = 5;
    CHECK_EQ_INT(telem_file_annotate(&w, &a), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_write_metadata(&w, NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_write_metadata(&w, &m), TELEM_ERR_ARG);
    m.key = "k";
    CHECK_EQ_INT(telem_file_write_metadata(&w, &m), TELEM_ERR_ARG);
    m.type = TELEM_VALUE_BYTES;
    m.size = 5000;
    CHECK_EQ_INT(telem_file_write_metadata(&w, &m), TELEM_ERR_ARG); /* no data */
    m.data = memory;
    CHECK_EQ_INT(telem_file_write_metadata(&w, &m), TELEM_ERR_LIMIT); /* larger than a block */
    m.size = 70000;
    CHECK_EQ_INT(telem_file_write_metadata(&w, &m), TELEM_ERR_ARG);
    m.size = 1;
    m.key = long_name;
    CHECK_EQ_INT(telem_file_write_metadata(&w, &m), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_writer_error(&w).code, TELEM_OK); /* a refusal does not stick */

    CHECK_OK(telem_file_writer_close(&w));
    CHECK_EQ_INT(telem_file_write(&w, 2, 0, &full), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_file_annotate(&w, &a), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_file_writer_poll(&w, 0, 0), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_file_writer_sync(&w), TELEM_ERR_STATE);
    free(f.bytes);
}

/* Opens a file whose header was changed and given a right check. */
static telem_result open_changed(const kit_file *f, size_t at, uint64_t value, size_t width, telem_file_reader_desc limits) {
    telem_file_reader r;
    telem_memory_io m;
    telem_io io;
    uint8_t *copy = (uint8_t *)kit_alloc(f->size), *memory = (uint8_t *)kit_alloc(READER_MEMORY);
    telem_result e;
    memcpy(copy, f->bytes, f->size);
    kit_store(copy + at, (uint32_t)width, value);
    telem_put32(copy + 100, XXH32(copy, 100, 0));
    io = telem_io_memory_view(&m, copy, f->size);
    limits.io = &io;
    limits.memory = memory;
    limits.memory_size = READER_MEMORY;
    e = telem_file_reader_open(&r, &limits);
    if (e != TELEM_OK) {
        CHECK_EQ_INT(telem_file_reader_error(&r).code, e);
        CHECK_EQ_INT(telem_file_reader_error(&r).offset, 0);
        CHECK(telem_file_reader_error(&r).what != NULL);
    }
    free(copy);
    free(memory);
    return e;
}

TEST(stream_headers_are_judged) {
    static const struct {
        uint8_t at, width;
        telem_result result;
        uint64_t value;
    } cases[] = {
        {8, 1, TELEM_ERR_UNSUPPORTED, 2},  {9, 1, TELEM_OK, 1},           {10, 2, TELEM_ERR_CORRUPT, 96},
        {12, 1, TELEM_ERR_UNSUPPORTED, 2}, {13, 1, TELEM_ERR_UNSUPPORTED, 7}, {14, 1, TELEM_ERR_UNSUPPORTED, 2},
        {15, 1, TELEM_ERR_UNSUPPORTED, 0}, {15, 1, TELEM_ERR_UNSUPPORTED, 3}, {16, 8, TELEM_ERR_CORRUPT, 0},
        {24, 4, TELEM_ERR_UNSUPPORTED, 2}, {24, 4, TELEM_ERR_CORRUPT, 1}, {28, 4, TELEM_OK, 0xFFFFFFFFu},
        {32, 4, TELEM_OK, 0xFFFFFFFFu},    {36, 4, TELEM_ERR_CORRUPT, 255}, {36, 4, TELEM_ERR_CORRUPT, (1u << 30) + 1u},
        {36, 4, TELEM_ERR_MEMORY, 65536},  {40, 4, TELEM_ERR_CORRUPT, 0}, {40, 4, TELEM_ERR_CORRUPT, 16777217},
        {44, 4, TELEM_ERR_CORRUPT, 0},     {44, 4, TELEM_ERR_CORRUPT, 65536}, {48, 4, TELEM_ERR_CORRUPT, 0},
        {48, 4, TELEM_ERR_CORRUPT, 65536}, {88, 8, TELEM_ERR_CORRUPT, 8}, {96, 4, TELEM_ERR_UNSUPPORTED, 1},
        {80, 8, TELEM_OK, ~(uint64_t)0},   {52, 4, TELEM_OK, 77},
    };
    telem_file_writer_desc d = small_desc(0, 0);
    telem_file_reader_desc none = TELEM_ZERO, limits;
    telem_file_reader r;
    kit_file f;
    size_t i;
    make_small(&f, &d, 20, 3);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kit_at("case %lu, byte %u", (unsigned long)i, cases[i].at);
        if (open_changed(&f, cases[i].at, cases[i].value, cases[i].width, none) != cases[i].result) kit_fail("another result");
    }
    limits = none;
    limits.max_block = 4095;
    CHECK_EQ_INT(open_changed(&f, 0, 0x89, 1, limits), TELEM_ERR_LIMIT);
    limits = none;
    limits.max_row = 1023;
    CHECK_EQ_INT(open_changed(&f, 0, 0x89, 1, limits), TELEM_ERR_LIMIT);
    limits = none;
    limits.max_streams = 3;
    CHECK_EQ_INT(open_changed(&f, 0, 0x89, 1, limits), TELEM_ERR_LIMIT);
    limits.max_streams = 4;
    limits.max_row = 1024;
    limits.max_block = 4096;
    CHECK_EQ_INT(open_changed(&f, 0, 0x89, 1, limits), TELEM_OK);
    CHECK_EQ_INT(telem_file_reader_open(&r, NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_reader_open(&r, &none), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_reader_open(NULL, &none), TELEM_ERR_ARG);
    memset(&r, 0, sizeof r);
    CHECK_EQ_INT(telem_file_reader_finish(&r), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_file_reader_finish(NULL), TELEM_ERR_STATE);
    kit_free_file(&f);
}

TEST(all_that_was_said_is_read) {
    telem_file_writer_desc d = small_desc(0, 0);
    telem_file_reader_desc rd = TELEM_ZERO;
    telem_file_stream_desc sd = TELEM_ZERO;
    telem_clock clock = TELEM_ZERO, back;
    telem_annotation a = TELEM_ZERO;
    telem_metadata m = TELEM_ZERO;
    telem_loss l = TELEM_ZERO;
    telem_sync y = TELEM_ZERO;
    telem_file_item item;
    telem_file_writer w;
    telem_file_reader r;
    telem_file_stream *s;
    telem_memory_io mio;
    telem_io io;
    kit_file f;
    static uint64_t memory[16384], memory2[16384];
    const telem_file_session *session;
    const char *name;
    Tiny tiny;
    Full full;
    int64_t i;
    memset(&f, 0, sizeof f);
    io = kit_io(&f);
    d.io = &io;
    d.memory = memory;
    d.memory_size = sizeof memory;
    d.session = 0x1122334455667788u;
    d.sequence = 2;
    d.previous = 3;
    d.file_number = 4;
    d.created = -5;
    d.max_age_ns = 77;
    CHECK_OK(telem_file_writer_open(&w, &d));
    clock.hz_num = 32768;
    clock.hz_den = 3;
    clock.bits = 24;
    clock.domain = TELEM_DOMAIN_USER;
    CHECK_OK(telem_file_add_clock(&w, 8, &clock, "rtc"));
    sd.id = 4000000000u;
    sd.clock = 8;
    sd.schema = &Tiny_schema;
    sd.start_row = 100;
    CHECK_OK(telem_file_add_stream(&w, &sd));
    tiny.v = -3;
    CHECK_OK(telem_file_write(&w, sd.id, INT64_MIN, &tiny));
    l.stream = sd.id;
    l.hop = TELEM_HOP_USER;
    l.cause = TELEM_CAUSE_ABORTED;
    l.at_least = 1;
    l.has_span = 1;
    l.clock = 8;
    l.count = 3;
    l.first = -10;
    l.last = INT64_MAX;
    l.text = "why";
    CHECK_OK(telem_file_write_loss(&w, &l));
    CHECK_OK(telem_file_write_loss(&w, &l));
    y.clock_a = 8;
    y.clock_b = 1;
    y.ticks_a = INT64_MIN;
    y.ticks_b = INT64_MAX;
    y.uncertainty = UINT64_MAX;
    y.step = 1;
    CHECK_OK(telem_file_write_sync(&w, &y));
    m.stream = sd.id;
    m.key = "a";
    m.type = TELEM_VALUE_TEXT;
    m.data = "text";
    CHECK_OK(telem_file_write_metadata(&w, &m));
    m.stream = TELEM_ALL_STREAMS;
    m.type = TELEM_VALUE_INT;
    m.i = INT64_MIN;
    CHECK_OK(telem_file_write_metadata(&w, &m));
    m.type = TELEM_VALUE_F64;
    m.f = -0.5;
    CHECK_OK(telem_file_write_metadata(&w, &m));
    m.type = TELEM_VALUE_BYTES;
    m.size = 3;
    CHECK_OK(telem_file_write_metadata(&w, &m));
    m.type = TELEM_VALUE_BOOL;
    m.i = 7;
    CHECK_OK(telem_file_write_metadata(&w, &m));
    a.stream = sd.id;
    a.clock = 8;
    a.level = TELEM_LEVEL_FATAL;
    a.time = INT64_MAX;
    a.duration = UINT64_MAX;
    a.text = "the end";
    CHECK_OK(telem_file_annotate(&w, &a));
    CHECK_OK(telem_file_writer_close(&w));
    CHECK_EQ_INT(telem_file_writer_get_stats(&w).rows, 1);
    CHECK_EQ_INT(telem_file_writer_get_stats(&w).bytes, f.size);

    io = telem_io_memory_view(&mio, f.bytes, f.size);
    rd.io = &io;
    rd.memory = memory2;
    rd.memory_size = sizeof memory2;
    REQUIRE_OK(telem_file_reader_open(&r, &rd));
    session = telem_file_reader_session(&r);
    CHECK_EQ_INT(session->id, 0x1122334455667788);
    CHECK_EQ_INT(session->sequence, 2);
    CHECK_EQ_INT(session->previous, 3);
    CHECK_EQ_INT(session->file_number, 4);
    CHECK_EQ_INT(session->created, -5);
    CHECK_EQ_INT(session->major, 1);
    CHECK_EQ_INT(session->max_block, 4096);
    CHECK_EQ_INT(session->max_row, 1024);
    CHECK_EQ_INT(session->max_streams, 4);
    CHECK_EQ_INT(session->max_age_ns, 77);
    CHECK_OK(telem_file_next(&r, &item));
    CHECK_EQ_INT(item.kind, TELEM_ITEM_SESSION);
    CHECK_EQ_INT(item.offset, 0);
    CHECK_OK(telem_file_next(&r, &item));
    CHECK_EQ_INT(item.kind, TELEM_ITEM_CLOCK);
    CHECK_EQ_INT(item.clock_id, 8);
    CHECK_EQ_INT(item.offset, 104);
    back = telem_file_reader_clock(&r, 8, &name);
    CHECK_EQ_INT(back.hz_num, 32768);
    CHECK_EQ_INT(back.hz_den, 3);
    CHECK_EQ_INT(back.bits, 24);
    CHECK_EQ_INT(back.domain, TELEM_DOMAIN_USER);
    CHECK_STR(name, "rtc");
    back = telem_file_reader_clock(&r, 9, &name);
    CHECK_EQ_INT(back.domain, TELEM_DOMAIN_BOOT);
    CHECK_STR(name, "");
    CHECK_OK(telem_file_next(&r, &item));
    CHECK_EQ_INT(item.kind, TELEM_ITEM_STREAM);
    s = item.stream;
    REQUIRE(s != NULL);
    CHECK_EQ_INT(s->id, 4000000000u);
    CHECK_EQ_INT(s->clock_id, 8);
    CHECK_STR(s->clock_name, "rtc");
    CHECK_STR(s->name, "Tiny");
    CHECK_STR(s->encoding, "");
    CHECK_EQ_INT(s->fingerprint, telem_schema_fingerprint(&Tiny_schema));
    CHECK_EQ_INT(s->start_row, 100);
    CHECK_EQ_INT(s->row_size, 2);
    CHECK_EQ_INT(telem_file_reader_stream_count(&r), 1);
    CHECK(telem_file_reader_stream(&r, 0) == s);
    CHECK(telem_file_reader_stream(&r, 1) == NULL);
    CHECK(telem_file_reader_find(&r, "Tiny") == s);
    CHECK(telem_file_reader_find(&r, "Tin") == NULL);
    for (i = 1; i <= 2; i++) { /* the open block waits: the losses come first */
        CHECK_OK(telem_file_next(&r, &item));
        CHECK_EQ_INT(item.kind, TELEM_ITEM_LOSS);
        CHECK_EQ_INT(item.loss.stream, sd.id);
        CHECK_EQ_INT(item.loss.hop, TELEM_HOP_USER);
        CHECK_EQ_INT(item.loss.cause, TELEM_CAUSE_ABORTED);
        CHECK_EQ_INT(item.loss.at_least, 1);
        CHECK_EQ_INT(item.loss.count, 3);
        CHECK_EQ_INT(item.loss.total, 3 * i);
        CHECK_EQ_INT(item.loss.clock, 8);
        CHECK_EQ_INT(item.loss.first, -10);
        CHECK_EQ_INT(item.loss.last, INT64_MAX);
        CHECK_EQ_INT(item.loss.text_len, 3);
        CHECK_MEM(item.loss.text, "why", 3);
    }
    CHECK_OK(telem_file_next(&r, &item));
    CHECK_EQ_INT(item.kind, TELEM_ITEM_SYNC);
    CHECK_EQ_INT(item.sync.clock_a, 8);
    CHECK_EQ_INT(item.sync.clock_b, 1);
    CHECK_EQ_INT(item.sync.ticks_a, INT64_MIN);
    CHECK_EQ_INT(item.sync.ticks_b, INT64_MAX);
    CHECK_EQ_INT(item.sync.uncertainty, UINT64_MAX);
    CHECK_EQ_INT(item.sync.step, 1);
    for (i = 1; i <= 5; i++) {
        CHECK_OK(telem_file_next(&r, &item));
        CHECK_EQ_INT(item.kind, TELEM_ITEM_METADATA);
        CHECK_EQ_INT(item.metadata.stream, i == 1 ? sd.id : TELEM_ALL_STREAMS);
        CHECK_EQ_INT(item.metadata.key_len, 1);
        CHECK_EQ_INT(item.metadata.key[0], 'a');
        CHECK_EQ_INT(item.metadata.type, i);
        if (i == TELEM_VALUE_TEXT) CHECK_EQ_INT(item.metadata.size, 4);
        if (i == TELEM_VALUE_TEXT) CHECK_MEM(item.metadata.data, "text", 4);
        if (i == TELEM_VALUE_INT) CHECK_EQ_INT(item.metadata.i, INT64_MIN);
        if (i == TELEM_VALUE_F64) CHECK(item.metadata.f == -0.5);
        if (i == TELEM_VALUE_BYTES) CHECK_EQ_INT(item.metadata.size, 3);
        if (i == TELEM_VALUE_BOOL) CHECK_EQ_INT(item.metadata.i, 1);
    }
    CHECK_OK(telem_file_next(&r, &item));
    CHECK_EQ_INT(item.kind, TELEM_ITEM_ANNOTATION);
    CHECK_EQ_INT(item.annotation.stream, sd.id);
    CHECK_EQ_INT(item.annotation.clock, 8);
    CHECK_EQ_INT(item.annotation.level, TELEM_LEVEL_FATAL);
    CHECK_EQ_INT(item.annotation.time, INT64_MAX);
    CHECK_EQ_INT(item.annotation.duration, UINT64_MAX);
    CHECK_EQ_INT(item.annotation.text_len, 7);
    CHECK_EQ_INT(telem_file_get(&item, &Tiny_schema, &tiny), TELEM_ERR_ARG); /* not a row */
    CHECK_OK(telem_file_next(&r, &item));
    CHECK_EQ_INT(item.kind, TELEM_ITEM_ROW);
    CHECK_EQ_INT(item.row, 100);
    CHECK_EQ_INT(item.time, INT64_MIN);
    tiny.v = 0;
    CHECK_OK(telem_file_get(&item, &Tiny_schema, &tiny));
    CHECK_EQ_INT(tiny.v, -3);
    CHECK_EQ_INT(telem_file_get(&item, &Full_schema, &full), TELEM_ERR_MISMATCH);
    CHECK_EQ_INT(telem_file_get(&item, NULL, &full), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_get(&item, &Tiny_schema, NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_get(NULL, &Tiny_schema, &tiny), TELEM_ERR_ARG);
    CHECK_EQ_INT(s->rows, 1);
    CHECK(!telem_file_reader_ended(&r));
    CHECK_OK(telem_file_next(&r, &item));
    CHECK_EQ_INT(item.kind, TELEM_ITEM_END);
    CHECK(telem_file_reader_ended(&r));
    CHECK_EQ_INT(telem_file_next(&r, &item), TELEM_END);
    CHECK_EQ_INT(telem_file_next(&r, &item), TELEM_END);
    CHECK_OK(telem_file_reader_finish(&r));
    CHECK_EQ_INT(telem_file_next(&r, &item), TELEM_END);
    CHECK_EQ_INT(telem_file_reader_error(&r).code, TELEM_OK);
    free(f.bytes);
}

/* --- extremes --- */

/* Rows of one schema, some of them changed, there and back. */
static void there_and_back(const telem_schema *schema, uint32_t rows, uint32_t calm, const telem_file_writer_desc *d) {
    telem_file_stream_desc sd = TELEM_ZERO;
    kit_file f;
    kit_writer w;
    kit_reader r;
    telem_io io;
    uint64_t rng = kit_seed(20);
    uint8_t *row;
    uint32_t i;
    int64_t t = 0;
    memset(&f, 0, sizeof f);
    (void)kit_add(&f, 1, schema, 0);
    row = (uint8_t *)kit_alloc(f.s[0].row_size);
    if (f.s[0].row_size) memset(row, 0, f.s[0].row_size);
    io = kit_io(&f);
    REQUIRE_OK(kit_open(&w, &f, d, &io));
    REQUIRE_OK(kit_add_streams(&w, &f));
    for (i = 0; i < rows; i++) {
        if (i % 3) kit_step_row(schema, row, &rng, calm);
        t = kit_step_time(i % 5 ? KIT_STEADY : KIT_WILD, t, &rng);
        CHECK_OK(telem_file_write_row(&w.w, 1, t, row));
        kit_note_row(&f.s[0], t, row);
    }
    CHECK_OK(kit_close(&w));
    sd.schema = schema;
    REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, telem_file_reader_bytes(d, &sd, 1)));
    CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
    CHECK_EQ_INT(kit_delivered(&f), rows);
    CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], 0);
    kit_reader_end(&r);
    kit_free_file(&f);
    free(row);
}

#define WIDE_TABLE(F) F(ARRAY, i16, a, 9000, "", "") F(OPTFULL, f32, b, 7000, "", 0.0, 0.0, 0, 0, "") F(COUNT, u64, n, "")
TELEM_DEFINE(Wide, WIDE_TABLE, "16,002 columns");
#define LONG_TABLE(F) F(STRING, s, 10240, "") F(BLOB, b, 10240, "") F(FIELD, u8, x, "", "")
TELEM_DEFINE(Long, LONG_TABLE, "");
#define BITS_TABLE(F) F(FIELD, f32, f, "", "") F(FIELD, f64, d, "", "") F(FIELD, f16, h, "", "") F(FIELD, bf16, b, "", "")
TELEM_DEFINE(Floats, BITS_TABLE, "");

TEST(extreme_rows_come_back) {
    telem_file_writer_desc d = TELEM_ZERO;
    uint8_t lz4;
    uint32_t n = check_quick() ? 20 : 120;
    d.coding = TELEM_FILE_ROWS;
    for (lz4 = 0; lz4 < 2; lz4++) {
        d.lz4 = lz4;
        kit_at("extremes, lz4 %u", lz4);
        there_and_back(&Wide_schema, n, 1000, &d);
        there_and_back(&Wide_schema, n / 4, 1, &d);
        there_and_back(&Long_schema, n, 2, &d);
        there_and_back(&Floats_schema, 2000, 2, &d);
        there_and_back(&none_schema, 2000, 2, &d);
    }
    d.max_row = telem_schema_row_size(&Long_schema);
    there_and_back(&Long_schema, 10, 2, &d);
    {
        telem_io io;
        kit_file f;
        kit_writer w;
        memset(&f, 0, sizeof f);
        io = kit_io(&f);
        (void)kit_add(&f, 1, &Long_schema, 0);
        d.max_row--;
        REQUIRE_OK(kit_open(&w, &f, &d, &io));
        CHECK_EQ_INT(kit_add_streams(&w, &f), TELEM_ERR_LIMIT);
        CHECK_OK(kit_close(&w));
        kit_free_file(&f);
    }
}

/* Each residual of a time: repeats, jumps of 2^62 and more, wraps; floats by their bits. */
TEST(extreme_times_come_back) {
    static const int64_t times[] = {0, 0, 0, 1, 2, 3, 4, INT64_MAX, INT64_MIN, INT64_MIN, -1, INT64_MAX, 0, 1, (int64_t)1 << 61, -((int64_t)1 << 61),
                                    (int64_t)1 << 62, 5, 5, 5, 5, 4, 3, 2, 1, INT64_MIN, INT64_MAX, INT64_MAX, INT64_MAX};
    telem_file_writer_desc d = small_desc(0, 0);
    size_t i, n = sizeof times / sizeof times[0];
    uint8_t changes;
    d.max_age_ns = INT64_MAX;
    for (changes = 0; changes < 4; changes++) {
        kit_file f;
        kit_writer w;
        kit_reader r;
        telem_io io;
        Tiny tiny = TELEM_ZERO;
        memset(&f, 0, sizeof f);
        d.block_rows = changes & 2 ? 1 : 0;
        (void)kit_add(&f, 1, &Tiny_schema, 0);
        io = kit_io(&f);
        REQUIRE_OK(kit_open(&w, &f, &d, &io));
        REQUIRE_OK(kit_add_streams(&w, &f));
        for (i = 0; i < n; i++) {
            tiny.v = (int16_t)(tiny.v + (changes & 1));
            add_row(&w, &f.s[0], times[i], &tiny);
        }
        CHECK_OK(kit_close(&w));
        REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY));
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        CHECK_EQ_INT(kit_delivered(&f), n);
        kit_reader_end(&r);
        kit_free_file(&f);
    }
}

/* A row form made by other hands: a bool of 2 is true, no more. */
TEST(a_bool_that_is_not_one_or_zero_is_one) {
    telem_file_writer_desc d = small_desc(0, 0);
    kit_file f;
    kit_writer w;
    kit_reader r;
    telem_io io;
    telem_column on, maybe;
    uint8_t row[1024], canonical[1024];
    uint32_t i;
    memset(&f, 0, sizeof f);
    memset(row, 0, sizeof row);
    REQUIRE_OK(telem_schema_find_column(&Full_schema, "on", &on, NULL));
    REQUIRE_OK(telem_schema_find_column(&Full_schema, "maybe", &maybe, NULL));
    (void)kit_add(&f, 1, &Full_schema, 0);
    io = kit_io(&f);
    REQUIRE_OK(kit_open(&w, &f, &d, &io));
    REQUIRE_OK(kit_add_streams(&w, &f));
    for (i = 0; i < 20; i++) {
        memcpy(canonical, row, sizeof row);
        row[on.row] = (uint8_t)(i % 4);
        row[maybe.guard] = (uint8_t)(i % 3 * 100);
        row[maybe.row] = row[maybe.guard] ? 5 : 0;
        memcpy(canonical, row, sizeof row);
        canonical[on.row] = i % 4 != 0;
        canonical[maybe.guard] = i % 3 != 0;
        CHECK_OK(telem_file_write_row(&w.w, 1, i, row));
        kit_note_row(&f.s[0], i, canonical);
    }
    CHECK_OK(kit_close(&w));
    REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY));
    CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
    CHECK_EQ_INT(kit_delivered(&f), 20);
    kit_reader_end(&r);
    kit_free_file(&f);
}

/* What was offered has a number or was refused, and what has a number is read or told as missing. */
TEST(offered_rows_are_written_or_refused) {
    static const uint8_t codings[] = {TELEM_FILE_ROWS, TELEM_FILE_MINI, TELEM_FILE_COLUMNS};
    uint64_t rng = kit_seed(22);
    int c, i;
    for (c = 0; c < 3; c++) {
        telem_file_writer_desc d = small_desc(0, 0);
        telem_file_writer_stats all, one, none;
        uint64_t offered = 0, refused = 0;
        telem_column text;
        kit_file f;
        kit_writer w;
        kit_reader r;
        telem_io io;
        Full rec;
        uint8_t row[1024];
        memset(&f, 0, sizeof f);
        memset(&rec, 0, sizeof rec);
        d.coding = codings[c];
        d.max_block = 1u << 16;
        (void)kit_add(&f, 5, &Full_schema, 100);
        io = kit_io(&f);
        REQUIRE_OK(telem_schema_find_column(&Full_schema, "text", &text, NULL));
        REQUIRE_OK(kit_open(&w, &f, &d, &io));
        REQUIRE_OK(kit_add_streams(&w, &f));
        for (i = 0; i < 300; i++, offered++) {
            step_full(&rec, &rng);
            memset(row, 0, sizeof row);
            CHECK_OK(telem_schema_pack(&Full_schema, &rec, row));
            switch (kit_below(&rng, 6)) {
            case 0: /* a row form whose text is longer than its field */
                telem_put32(row + text.row, 31);
                CHECK_EQ_INT(telem_file_write_row(&w.w, 5, i, row), TELEM_ERR_RANGE);
                refused++;
                break;
            case 1: {
                Full bad = rec;
                bad.text.len = 31;
                CHECK_EQ_INT(telem_file_write(&w.w, 5, i, &bad), TELEM_ERR_RANGE);
                refused++;
                break;
            }
            case 2:
                CHECK_EQ_INT(telem_file_write_row(&w.w, 6, i, row), TELEM_ERR_NOT_FOUND);
                break;
            case 3:
                CHECK_EQ_INT(telem_file_write_columns(&w.w, 5, 7, NULL, NULL, 1), TELEM_ERR_ARG);
                offered += 6;
                refused += 7;
                break;
            default:
                CHECK_OK(telem_file_write(&w.w, 5, i, &rec));
                kit_note_row(&f.s[0], i, row);
            }
        }
        all = telem_file_writer_get_stats(&w.w);
        one = telem_file_stream_get_stats(&w.w, 5);
        none = telem_file_stream_get_stats(&w.w, 6);
        CHECK_OK(kit_close(&w));
        CHECK_EQ_INT(all.rows + all.refused, offered);
        CHECK_EQ_INT(all.rows, one.rows);
        CHECK_EQ_INT(one.rows, f.s[0].n);
        CHECK_EQ_INT(one.refused, refused);
        CHECK(all.refused > refused);
        CHECK_EQ_INT(all.lost, 0);
        CHECK_EQ_INT(none.refused, 0); /* there is no such stream */
        REQUIRE_OK(kit_read_memory(&r, &f, f.bytes, f.size, (size_t)4 << 20));
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        CHECK_EQ_INT(kit_delivered(&f), one.rows);
        kit_reader_end(&r);
        kit_free_file(&f);
    }
}

/* A block's hash is fed in parts where the block does not lie in one piece. Its state is memory of any kind: a writer
   that had the same place before, of the same session even, may have left half of its own there. */
TEST(a_hash_does_not_believe_what_its_memory_held) {
    static const size_t sizes[] = {0, 1, 16, 100, 240, 241, 255, 256, 1000, 3000};
    static uint8_t text[3000];
    uint64_t rng = kit_seed(21);
    uint8_t *memory = (uint8_t *)kit_alloc(peek_hash_bytes() + 64u), *h = memory + (64u - ((uintptr_t)memory & 63u));
    uint32_t i, j;
    memset(h, 0, peek_hash_bytes());
    for (i = 0; i < sizeof text; i++) text[i] = (uint8_t)check_rand(&rng);
    for (j = 0; j < 10; j++)
        for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            uint32_t seed = j % 3 ? 77 : (uint32_t)check_rand(&rng);
            CHECK(peek_hash_agrees(h, (uint8_t)(1u + j % 2u), seed, text, sizes[i]));
            memset(h + 64u, (int)check_rand(&rng), 256); /* others were here; not at its end, where the seed is */
        }
    free(memory);
}

int main(void) {
    RUN(every_prefix_yields_its_whole_blocks);
    RUN(no_flipped_byte_delivers_a_wrong_row);
    RUN(disk_full_is_counted_and_told);
    RUN(memory_formulas_are_exact);
    RUN(refused_open_sticks);
    RUN(refused_open_of_a_reader_is_told_by_next);
    RUN(reader_memory_is_bounded);
    RUN(unsupported_block_is_skipped);
    RUN(a_strange_journal_zone_is_passed_over);
    RUN(writer_refuses_what_is_wrong);
    RUN(stream_headers_are_judged);
    RUN(all_that_was_said_is_read);
    RUN(extreme_rows_come_back);
    RUN(extreme_times_come_back);
    RUN(a_bool_that_is_not_one_or_zero_is_one);
    RUN(offered_rows_are_written_or_refused);
    RUN(a_hash_does_not_believe_what_its_memory_held);
    return CHECK_MAIN_END();
}
