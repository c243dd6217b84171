/* test_file.c - telem_file.h: the guarantees of its manual, every function and every error code.
   test_file_random.c, test_file_damage.c and test_file_io.c go on where this one ends. */
#define _POSIX_C_SOURCE 200809L
#include "file_kit.h"

#define READER_MEMORY 65536u
#define MAX_BLOCKS 600u

/* A small file that holds every block type that the writer makes. */
static telem_file_writer_desc small_desc(uint8_t profile, uint8_t lz4) {
    telem_file_writer_desc d;
    memset(&d, 0, sizeof d);
    d.profile = profile;
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
#define NONE_FIELDS 1
TELEM_UNUSED static const telem_schema none_schema = {"None", "no fields", NULL, 1, 0, 1, 0, 0};

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
        CHECK_EQ_INT(kit_missing(f), e.missing);
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

int main(void) {
    RUN(every_prefix_yields_its_whole_blocks);
    RUN(no_flipped_byte_delivers_a_wrong_row);
    return CHECK_MAIN_END();
}
