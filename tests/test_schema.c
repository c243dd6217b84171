/* telem_schema.h: tables, row form, columns, canonical encoding, builder, text form, cells, rows.
   cc -I. -Itests tests/test_schema.c -o test_schema  UNIT: optimised */
#define _POSIX_C_SOURCE 200809L
#define TELEM_STATIC
#define TELEM_IMPLEMENTATION
#include "telem_schema.h"
#include "check.h"
#include <locale.h>

static uint64_t rng;
static uint32_t below(uint32_t n) { return (uint32_t)(check_rand(&rng) % n); }

/* ---- a schema of every kind of table line ---- */

TELEM_LABELS(mode_labels, {0, "DISARMED"}, {1, "ARMED"}, {7, "half, \"auto\""});
TELEM_LABELS(fault_bits, {0, "gps"}, {3, "low battery"});
#define VEC_TABLE(F) \
    F(FIELD, f32, x, "m", "east") \
    F(FIELD, f32, y, "m", "north")
TELEM_DEFINE(Vec, VEC_TABLE, "a place");
#define POINT_TABLE(F) \
    F(OPT, u16, quality, NULL, "of the fix") \
    F(STRUCT, Vec, at, "where")
TELEM_DEFINE(Point, POINT_TABLE, "a place that may lack a quality");
#define FOUR 4
#define ALL_TABLE(F) \
    F(COUNT, u32, n, "sequence number") \
    F(FIELD, bool_, ok, NULL, "self test") \
    F(FIELD, f64, t, "s", "time") \
    F(ARRAY, f32, motor, 4, "%", "motor outputs") \
    F(SCALED, i16, gx, "deg/s", 0.061, 0.0, "gyro") \
    F(SCALEDS, u16, adc, 3, "V", 0.5, -1.0, "inputs") \
    F(ENUM, u8, mode, mode_labels, "flight mode") \
    F(OPTENUM, u16, wish, mode_labels, "wanted mode") \
    F(BITS, u16, faults, fault_bits, "faults") \
    F(CHARS, name, 6, "name") \
    F(BYTES, raw, 3, "raw") \
    F(STRING, text, 9, "text") \
    F(OPTSTRING, note, 5, "note") \
    F(BLOB, blob, 3, "blob") \
    F(STRUCT, Vec, pos, "position") \
    F(STRUCTS, Point, path, 2, "way points") \
    F(OPTSTRUCT, Point, home, "where from") \
    F(OPT, f32, temp, "degC", "temperature") \
    F(FULL, i64, big, 0, "mm", 0.001, 0.0, TELEM_DECIMALS(3), TELEM_MONOTONIC | TELEM_INDEX, "distance") \
    F(FULL, f16, half, FOUR, NULL, 1.0, 0.0, 0, TELEM_VOLATILE, "halves") \
    F(OPTFULL, u64, ids, 2, NULL, 1.0, 0.0, 0, TELEM_KEY, "two ids or none") \
    F(OPTFULL, bf16, brain, 0, NULL, 1.0, 0.0, 0, 0, "brain float")
TELEM_DEFINE(All, ALL_TABLE, "one of each");

static All all_example(int fill) {
    All a;
    memset(&a, fill, sizeof a); /* the padding differs */
    a.n = 7;
    a.ok = 1;
    a.t = 1.25;
    a.motor[0] = 0.1f, a.motor[1] = -0.0f, a.motor[2] = 1e30f, a.motor[3] = 100;
    a.gx = -100;
    a.adc[0] = 0, a.adc[1] = 3, a.adc[2] = 65535;
    a.mode = 7;
    a.has_wish = 0;
    a.faults = 0x8009;
    memcpy(a.name, "ab\0cde", 6); /* bytes behind the NUL do not count */
    memcpy(a.raw, "\x01\x7F\xFF", 3);
    a.text.len = 3;
    memcpy(a.text.data, "x,\"", 3);
    a.has_note = 1;
    a.note.len = 0;
    a.blob.len = 2;
    memcpy(a.blob.data, "\xAB\xCD", 2);
    a.pos.x = 1, a.pos.y = 2;
    a.path[0].has_quality = 1, a.path[0].quality = 9, a.path[0].at.x = 3, a.path[0].at.y = 4;
    a.path[1].has_quality = 0, a.path[1].at.x = 5, a.path[1].at.y = 6;
    a.has_home = 0;
    a.has_temp = 1, a.temp = -3.25f;
    a.big = 123456;
    a.half[0] = 0x3C00, a.half[1] = 0x2E66, a.half[2] = 0xFC00, a.half[3] = 0x7E00;
    a.has_ids = 0;
    a.has_brain = 1, a.brain = 0x3F80;
    return a;
}

enum { ALL_ROW = 240 };

TEST(table_yields_struct_and_schema) {
    const telem_field *f = All_schema.fields;
    telem_error err = TELEM_ZERO;
    CHECK_OK(telem_schema_check(&All_schema, &err));
    CHECK_EQ_INT(All_schema.field_count, 22);
    CHECK_STR(All_schema.name, "All");
    CHECK_EQ_INT(All_schema.size, sizeof(All));
    CHECK_EQ_INT(f[3].offset, offsetof(All, motor));
    CHECK_EQ_INT(f[3].stride, 4);
    CHECK_EQ_INT(f[3].count, 4);
    CHECK_STR(f[3].unit, "%");
    CHECK(f[4].scale == (double)0.061 && f[5].bias == -1.0 && f[5].count == 3);
    CHECK_EQ_INT(f[0].flags, TELEM_COUNTER);
    CHECK_EQ_INT(f[7].flags, TELEM_OPTIONAL);
    CHECK_EQ_INT(f[7].type, TELEM_ENUM16);
    CHECK_EQ_INT(f[7].label_count, 3);
    CHECK_EQ_INT(f[18].decimals, 4);
    CHECK_EQ_INT(f[18].count, 0);
    CHECK_EQ_INT(f[19].count, 4);
    CHECK_EQ_INT(f[20].flags, TELEM_KEY | TELEM_OPTIONAL);
    CHECK_EQ_INT(All_schema.major, 1);
}

enum state { OFF, ON };
struct old {
    float f;
    int i;
    unsigned u;
    uint8_t e;
    short a[3];
    Vec v;
    Point ps[2];
    char c[5];
    uint8_t has_sc;
    signed char sc;
    struct {
        uint32_t len;
        char data[9];
    } s;
    double scaled;
};
TELEM_DESCRIBE(old_schema, struct old, "old struct", "made long ago",
               TELEM_MEMBER(struct old, f, f32, "m", "d"), TELEM_MEMBER(struct old, i, i32, NULL, "d"),
               TELEM_MEMBER_FULL(struct old, u, u32, NULL, 0.0, 0.0, 0, TELEM_COUNTER, "d"),
               TELEM_MEMBER_ENUM(struct old, e, u8, mode_labels, "e"), TELEM_MEMBER_ARRAY(struct old, a, i16, "m", "a"),
               TELEM_MEMBER_STRUCT(struct old, v, Vec_schema, "v"), TELEM_MEMBER_STRUCTS(struct old, ps, Point_schema, "ps"),
               TELEM_MEMBER_CHARS(struct old, c, "c"), TELEM_MEMBER_OPT(struct old, sc, has_sc, i8, NULL, "sc"),
               TELEM_MEMBER_STRING(struct old, s, "s"), TELEM_MEMBER_SCALED(struct old, scaled, f64, "m", 2.0, 1.0, "scaled"));

TEST(existing_struct_is_described) {
    struct old o, back;
    uint8_t row[200];
    char text[400];
    CHECK_OK(telem_schema_check(&old_schema, NULL));
    REQUIRE(telem_schema_row_size(&old_schema) <= sizeof row);
    memset(&o, 0, sizeof o);
    memset(&back, 0xEE, sizeof back);
    o.f = 1, o.i = -2, o.u = 3, o.e = 1, o.a[2] = -5, o.v.y = 6, o.ps[1].has_quality = 1, o.ps[1].quality = 8;
    memcpy(o.c, "abcde", 5);
    o.has_sc = 1, o.sc = -9, o.s.len = 2, o.s.data[0] = 'h', o.s.data[1] = 'i', o.scaled = 1.5;
    CHECK_OK(telem_schema_pack(&old_schema, &o, row));
    CHECK_OK(telem_schema_unpack(&old_schema, row, &back));
    CHECK(back.sc == -9 && back.has_sc == 1 && back.a[2] == -5 && back.ps[1].quality == 8 && back.scaled == 1.5);
    telem_row_print_text(&old_schema, row, 0, text, sizeof text);
    CHECK_STR(text, "f=1 i=-2 u=3 e=ARMED a=[0,0,-5] v={x=0 y=6} ps=[{at={x=0 y=0}},{quality=8 at={x=0 y=0}}] "
                    "c=\"abcde\" sc=-9 s=\"hi\" scaled=4");
}

/* ---- row form ---- */

TEST(row_form_is_as_specified) {
    static const uint8_t expected[] = {
        7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xF4, 0x3F,                                        /* n ok t */
        0xCD, 0xCC, 0xCC, 0x3D, 0, 0, 0, 0x80, 0xCA, 0xF2, 0x49, 0x71, 0, 0, 0xC8, 0x42,    /* motor */
        0x9C, 0xFF, 0, 0, 3, 0, 0xFF, 0xFF, 7, 0, 0, 0, 0x09, 0x80,                         /* gx adc mode wish? wish faults */
        'a', 'b', 0, 0, 0, 0, 1, 0x7F, 0xFF, 3, 0, 0, 0, 'x', ',', '"', 0, 0, 0, 0, 0, 0,   /* name raw text */
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0xAB, 0xCD, 0,                            /* note? note blob */
        0, 0, 0x80, 0x3F, 0, 0, 0, 0x40,                                                    /* pos */
        1, 9, 0, 0, 0, 0x40, 0x40, 0, 0, 0x80, 0x40, 0, 0, 0, 0, 0, 0xA0, 0x40, 0, 0, 0xC0, 0x40, /* path */
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,                                                 /* home? and its 11 bytes */
        1, 0, 0, 0x50, 0xC0, 0x40, 0xE2, 1, 0, 0, 0, 0, 0,                                  /* temp? temp big */
        0, 0x3C, 0x66, 0x2E, 0, 0xFC, 0, 0x7E,                                              /* half */
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x80, 0x3F};                  /* ids? ids brain? brain */
    All a = all_example(0);
    uint8_t row[ALL_ROW];
    CHECK_EQ_INT(telem_schema_row_size(&All_schema), sizeof expected);
    REQUIRE(sizeof expected <= sizeof row);
    REQUIRE_OK(telem_schema_pack(&All_schema, &a, row));
    CHECK_MEM(row, expected, sizeof expected);
}

TEST(equal_records_have_equal_rows) {
    All a = all_example(0x00), b = all_example(0x55), c;
    uint8_t x[ALL_ROW], y[ALL_ROW], z[ALL_ROW];
    size_t n = telem_schema_row_size(&All_schema);
    a.has_temp = 1, b.has_temp = 9; /* any value but 0 is present */
    b.home.quality = 77;            /* absent: does not count */
    REQUIRE_OK(telem_schema_pack(&All_schema, &a, x));
    REQUIRE_OK(telem_schema_pack(&All_schema, &b, y));
    CHECK_MEM(x, y, n);
    memset(&c, 0xAA, sizeof c);
    REQUIRE_OK(telem_schema_unpack(&All_schema, x, &c));
    CHECK(c.has_temp == 1 && c.home.quality == 0 && c.ids[1] == 0 && c.name[3] == 0 && c.text.data[8] == 0);
    REQUIRE_OK(telem_schema_pack(&All_schema, &c, z));
    CHECK_MEM(x, z, n);
}

TEST(too_long_a_string_is_refused) {
    All a = all_example(0);
    uint8_t row[ALL_ROW];
    telem_column c;
    a.text.len = 10;
    CHECK_EQ_INT(telem_schema_pack(&All_schema, &a, row), TELEM_ERR_RANGE);
    a.text.len = 9;
    CHECK_OK(telem_schema_pack(&All_schema, &a, row));
    REQUIRE_OK(telem_schema_find_column(&All_schema, "text", &c, NULL));
    telem_put32(row + c.row, 10);
    CHECK_EQ_INT(telem_schema_unpack(&All_schema, row, &a), TELEM_ERR_CORRUPT);
    telem_put32(row + c.row, 0xFFFFFFFFu);
    CHECK_EQ_INT(telem_schema_unpack(&All_schema, row, &a), TELEM_ERR_CORRUPT);
}

TEST(hostile_rows_are_refused_or_made_canonical) {
    size_t n = telem_schema_row_size(&All_schema), i;
    int round, good = 0;
    for (round = 0; round < (check_quick() ? 3000 : 20000); round++) {
        uint8_t row[ALL_ROW], once[ALL_ROW], twice[ALL_ROW];
        All a = all_example(0), b;
        char text[4000];
        REQUIRE_OK(telem_schema_pack(&All_schema, &a, row));
        for (i = below(20); i > 0; i--) row[below((uint32_t)n)] = (uint8_t)below(256);
        telem_row_print_text(&All_schema, row, 0, text, sizeof text); /* any bytes may be printed */
        telem_row_print_json(&All_schema, row, 0, text, sizeof text);
        telem_row_print_csv(&All_schema, row, 0, text, sizeof text);
        if (telem_schema_unpack(&All_schema, row, &a) != TELEM_OK) continue;
        good++;
        CHECK_OK(telem_schema_pack(&All_schema, &a, once));
        CHECK_OK(telem_schema_unpack(&All_schema, once, &b));
        CHECK_OK(telem_schema_pack(&All_schema, &b, twice));
        CHECK_MEM(once, twice, n);
    }
    CHECK(good > 200);
}

/* ---- columns ---- */

TEST(columns_cover_the_row_in_order) {
    telem_columns it;
    telem_column c, found;
    uint32_t row = 0, index = 0, presences = 0, element = 99;
    char name[64];
    size_t n;
    for (telem_columns_begin(&it, &All_schema); telem_columns_next(&it, &c);) {
        CHECK_EQ_INT(c.row, row);
        CHECK_EQ_INT(c.index, index);
        row += c.width * c.count;
        index += c.count;
        presences += c.presence;
        n = telem_columns_name(&it, &c, c.count - 1, name, sizeof name);
        CHECK_EQ_INT(n, strlen(name));
        CHECK_OK(telem_schema_find_column(&All_schema, name, &found, &element));
        CHECK(found.row == c.row && found.presence == c.presence && element == c.count - 1);
    }
    CHECK_EQ_INT(row, telem_schema_row_size(&All_schema));
    CHECK_EQ_INT(index, telem_schema_columns(&All_schema));
    CHECK_EQ_INT(presences, 9);
}

TEST(presence_columns_tell_what_they_cover) {
    telem_column c;
    REQUIRE_OK(telem_schema_find_column(&All_schema, "home?", &c, NULL));
    CHECK(c.presence == 1 && c.type == TELEM_BOOL && c.width == 1 && c.covers == 11 && c.guard == TELEM_NO_GUARD);
    CHECK_EQ_INT(c.rec, offsetof(All, has_home));
    CHECK_EQ_INT(c.field->type, TELEM_STRUCT);
    {
        uint32_t home = c.row;
        REQUIRE_OK(telem_schema_find_column(&All_schema, "home.at.y", &c, NULL));
        CHECK_EQ_INT(c.guard, home);
        REQUIRE_OK(telem_schema_find_column(&All_schema, "home.quality?", &c, NULL));
        CHECK(c.guard == home && c.covers == 2);
        CHECK_EQ_INT(c.rec, offsetof(All, home) + offsetof(Point, has_quality));
        home = c.row;
        REQUIRE_OK(telem_schema_find_column(&All_schema, "home.quality", &c, NULL));
        CHECK_EQ_INT(c.guard, home);
    }
    REQUIRE_OK(telem_schema_find_column(&All_schema, "ids?", &c, NULL));
    CHECK_EQ_INT(c.covers, 16);
    REQUIRE_OK(telem_schema_find_column(&All_schema, "path[1].quality", &c, NULL));
    CHECK_EQ_INT(c.rec, offsetof(All, path) + sizeof(Point) + offsetof(Point, quality));
    CHECK_EQ_INT(c.guard, c.row - 1);
}

TEST(wrong_paths_find_nothing) {
    static const char *const bad[] = {"", "nope", "pos", "pos.", "pos.z", "posx", ".n", "n.", "n[0]", "motor[4]", "motor[", "motor[]",
                                      "motor[01]", "motor[1", "motor[99999999999]", "path[2].at.x", "path[0]at.x", "n?", "temp??", "motor[-1]"};
    telem_column c;
    uint32_t e = 5;
    size_t i;
    char four[4];
    telem_columns it;
    memset(&c, 0, sizeof c);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (telem_schema_find_column(&All_schema, bad[i], &c, &e) != TELEM_ERR_NOT_FOUND) CHECK_STR(bad[i], "not found");
    CHECK(e == 5 && c.field == NULL); /* outputs are untouched */
    CHECK(telem_schema_find_column(&All_schema, "motor", &c, &e) == TELEM_OK && e == 0);
    telem_columns_begin(&it, &All_schema);
    while (telem_columns_next(&it, &c) && c.row < 13) {}
    CHECK_EQ_INT(telem_columns_name(&it, &c, 2, four, sizeof four), 8);
    CHECK_STR(four, "mot");
}

/* ---- canonical encoding ---- */

/* As the manual says it, byte by byte. */
static const uint8_t golden[] = {
    1, 68, 2, 'I', 'm', 5,
    12, 0x00, 1, 'a', 3, 'm', '/', 's',                              /* f32 a unit m/s */
    7, 0xC1, 1, 'g', 0, 3,                                           /* optional i16 g[3], scaled */
    0, 0, 0, 0, 0, 0, 0xE0, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0, 2,         /* 0.5, 0, one decimal */
    14, 0x08, 1, 'm', 0, 2, 0, 1, 'X', 5, 2, 'Y', 'Y',               /* index enum8 */
    22, 0x00, 1, 's', 0, 0x80, 0x01,                                 /* string(128) */
    24, 0x00, 1, 'p', 0, 1, 'V', 1, 4, 0x04, 1, 'n', 0,              /* struct V { counter u32 n; } p */
    24, 1, 'd', 1, 2, 0xAC, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

static const telem_label xy[] = {{0, "X"}, {5, "YY"}};

static telem_field plain(const char *name, uint8_t type) {
    telem_field f = TELEM_ZERO;
    f.name = name;
    f.type = type;
    return f;
}

static uint64_t golden_memory[200], golden_inner[60];

static const telem_schema *golden_schema(void) {
    telem_schema_builder b, in;
    const telem_schema *v = NULL, *s = NULL;
    telem_field f = plain("n", TELEM_U32);
    telem_schema_builder_init(&in, golden_inner, sizeof golden_inner, "V", NULL);
    f.flags = TELEM_COUNTER;
    telem_schema_builder_add(&in, &f);
    if (telem_schema_builder_finish(&in, &v)) return NULL;
    telem_schema_builder_init(&b, golden_memory, sizeof golden_memory, "Im", "d");
    f = plain("a", TELEM_F32);
    f.unit = "m/s";
    telem_schema_builder_add(&b, &f);
    f = plain("g", TELEM_I16);
    f.flags = TELEM_OPTIONAL, f.count = 3, f.scale = 0.5, f.bias = -0.0, f.decimals = TELEM_DECIMALS(1);
    telem_schema_builder_add(&b, &f);
    f = plain("m", TELEM_ENUM8);
    f.flags = TELEM_INDEX, f.labels = xy, f.label_count = 2;
    telem_schema_builder_add(&b, &f);
    f = plain("s", TELEM_STRING);
    f.size = 128;
    telem_schema_builder_add(&b, &f);
    f = plain("p", TELEM_STRUCT);
    f.nested = v;
    telem_schema_builder_add(&b, &f);
    telem_schema_builder_version(&b, 1, 2, 300);
    return telem_schema_builder_finish(&b, &s) == TELEM_OK ? s : NULL;
}

TEST(encoding_is_as_specified) {
    const telem_schema *s = golden_schema();
    uint8_t bytes[200];
    REQUIRE(s != NULL);
    CHECK_EQ_INT(telem_schema_encode(s, 0, NULL, 0), sizeof golden);
    REQUIRE(telem_schema_encode(s, 0, bytes, sizeof bytes) == (int64_t)sizeof golden);
    CHECK_MEM(bytes, golden, sizeof golden);
    CHECK_EQ_INT(telem_schema_encode(s, sizeof golden, bytes, sizeof bytes), 0);
    CHECK_EQ_INT(telem_schema_encode(s, UINT64_MAX, bytes, sizeof bytes), 0);
}

TEST(fingerprint_is_pinned) {
    const telem_schema *s = golden_schema();
    uint64_t by_hand = XXH32(golden + 2, 68, 0) | (uint64_t)XXH32(golden + 2, 68, 0x9E3779B1u) << 32;
    REQUIRE(s != NULL);
    CHECK_EQ_INT(telem_schema_fingerprint(s), by_hand);
    CHECK_EQ_INT(telem_schema_fingerprint(s), 0x3BAF707CBB166124u);
    CHECK_EQ_INT(telem_schema_fingerprint(&All_schema), 0x2A0C5965D7FFB5C2u);
}

TEST(decoded_schema_has_the_compilers_layout) {
    static uint64_t memory[1000];
    uint8_t bytes[4000];
    const telem_schema *s = NULL;
    telem_columns x, y;
    telem_column a, b;
    int64_t n = telem_schema_encode(&All_schema, 0, bytes, sizeof bytes);
    REQUIRE(n > 0 && telem_schema_decode(bytes, (size_t)n, memory, sizeof memory, &s, NULL) == TELEM_OK);
    CHECK_EQ_INT(s->size, sizeof(All));
    telem_columns_begin(&x, s);
    for (telem_columns_begin(&y, &All_schema); telem_columns_next(&y, &b);) {
        REQUIRE(telem_columns_next(&x, &a));
        CHECK(a.rec == b.rec && a.row == b.row && a.width == b.width && a.count == b.count && a.type == b.type);
        CHECK(a.count == 1 || a.stride == b.stride);
        CHECK_STR(a.field->name, b.field->name);
        CHECK_STR(a.field->desc, b.field->desc);
    }
    CHECK(!telem_columns_next(&x, &a));
    CHECK_EQ_INT(telem_schema_decode_bytes(bytes, (size_t)n, NULL) > 0, 1);
    {
        size_t need = (size_t)telem_schema_decode_bytes(bytes, (size_t)n, NULL);
        const telem_schema *none = NULL;
        telem_error err = TELEM_ZERO;
        CHECK_EQ_INT(telem_schema_decode(bytes, (size_t)n, memory, need - 1, &none, &err), TELEM_ERR_MEMORY);
        CHECK(none == NULL && err.code == TELEM_ERR_MEMORY);
        CHECK_OK(telem_schema_decode(bytes, (size_t)n, (uint8_t *)memory + 3, need, &none, &err)); /* aligns by itself */
    }
}

/* Decodes; what is accepted must encode to the same bytes. */
static telem_result decode_again(const uint8_t *bytes, size_t n, telem_error *err) {
    static uint64_t memory[20000];
    static uint8_t again[20000];
    const telem_schema *s = NULL;
    telem_result r = telem_schema_decode(bytes, n, memory, sizeof memory, &s, err);
    if (r != TELEM_OK) return r;
    CHECK_OK(telem_schema_check(s, NULL));
    CHECK_EQ_INT(telem_schema_encode(s, 0, again, sizeof again), (int64_t)n);
    CHECK_MEM(again, bytes, n);
    return TELEM_OK;
}

TEST(every_truncation_is_refused) {
    size_t n;
    telem_error err;
    for (n = 0; n < sizeof golden; n++) {
        uint8_t copy[sizeof golden];
        memcpy(copy, golden, n);
        CHECK_EQ_INT(decode_again(copy, n, &err), TELEM_ERR_TRUNCATED);
        CHECK(err.code == TELEM_ERR_TRUNCATED && err.what && err.offset <= n);
    }
    CHECK_OK(decode_again(golden, sizeof golden, &err));
}

TEST(every_flipped_byte_is_refused_or_canonical) {
    static uint8_t bytes[4000];
    int64_t n = telem_schema_encode(&All_schema, 0, bytes, sizeof bytes);
    int64_t i;
    int v, refused = 0;
    REQUIRE(n > 0 && n < (int64_t)sizeof bytes);
    for (i = 0; i < n; i++)
        for (v = 0; v < 256; v += check_quick() ? 5 : 1) {
            uint8_t was = bytes[i];
            telem_error err = TELEM_ZERO;
            bytes[i] = (uint8_t)v;
            if (decode_again(bytes, (size_t)n, &err) != TELEM_OK) {
                refused++;
                CHECK(err.what != NULL && err.offset <= (uint64_t)n);
            }
            bytes[i] = was;
        }
    CHECK(refused > n * 10);
}

/* An identity and an extra of `fields` times three empty texts. */
static telem_result decode_identity(const char *identity, size_t n, int fields, telem_error *err) {
    uint8_t bytes[400];
    size_t at = 2;
    bytes[0] = 1;
    bytes[1] = (uint8_t)n;
    memcpy(bytes + at, identity, n);
    at += n;
    bytes[at++] = (uint8_t)(4 + 3 * fields);
    memset(bytes + at, 0, (size_t)(4 + 3 * fields));
    return decode_again(bytes, at + 4 + 3 * (size_t)fields, err);
}

#define D8 "\0\0\0\0\0\0\0\0"
#define ONE "\0\0\0\0\0\0\xF0\x3F"

TEST(each_violation_gets_its_code_and_offset) {
#define CASE(fields, text, code, offset) {text, sizeof(text) - 1, fields, code, offset}
    static const struct {
        const char *identity;
        size_t n;
        int fields, code, offset;
    } cases[] = {
        CASE(0, "\1S\0", TELEM_OK, 0),
        CASE(1, "\1S\1\2\0\1a\0", TELEM_OK, 0),
        CASE(1, "\1S\1\3\x80\1a\0" ONE ONE "\0", TELEM_OK, 0),
        CASE(1, "\0\1\2\0\1a\0", TELEM_ERR_CORRUPT, 2),                 /* no name */
        CASE(1, "\1\n\1\2\0\1a\0", TELEM_ERR_CORRUPT, 2),               /* control character */
        CASE(1, "\1S\2\2\0\1a\0", TELEM_ERR_CORRUPT, 4),                /* more fields than bytes */
        CASE(1, "\1S\1\2\0\1a\0\0", TELEM_ERR_CORRUPT, 10),             /* a byte left over */
        CASE(1, "\1S\1\0\0\1a\0", TELEM_ERR_CORRUPT, 5),                /* type 0 */
        CASE(1, "\1S\1\x19\0\1a\0", TELEM_ERR_UNSUPPORTED, 5),          /* type 25 */
        CASE(1, "\1S\1\xFF\0\1a\0", TELEM_ERR_UNSUPPORTED, 5),
        CASE(1, "\1S\1\x0C\4\1a\0", TELEM_ERR_CORRUPT, 6),              /* a float that counts */
        CASE(1, "\1S\1\2\0\0\0\0", TELEM_ERR_CORRUPT, 7),               /* empty field name */
        CASE(1, "\1S\1\2\0\1\x7F\0", TELEM_ERR_CORRUPT, 7),
        CASE(1, "\1S\1\2\0\1a\1\0", TELEM_ERR_CORRUPT, 9),              /* NUL in a unit */
        CASE(1, "\1S\1\2\0\1a\5m", TELEM_ERR_CORRUPT, 9),               /* unit longer than its section */
        CASE(1, "\1S\1\2\0\x81\0a\0", TELEM_ERR_CORRUPT, 7),            /* a length not in its shortest form */
        CASE(1, "\1S\1\2\x40\1a\0\0", TELEM_ERR_CORRUPT, 10),           /* array of 0 */
        CASE(1, "\1S\1\2\x40\1a\0\x80\x80\4", TELEM_ERR_CORRUPT, 10),   /* array of 65,536 */
        CASE(1, "\1S\1\x14\0\1a\0\0", TELEM_ERR_CORRUPT, 10),           /* chars(0) */
        CASE(1, "\1S\1\x14\0\1a\0\x81\x80\x80\x8", TELEM_ERR_CORRUPT, 10), /* over 16 MiB */
        CASE(1, "\1S\1\x14\0\1a\0\x80\x80\x80\x8", TELEM_OK, 0),
        CASE(1, "\1S\1\x16\0\1a\0\x80\x80\x80\x8", TELEM_ERR_LIMIT, 5), /* with its length the row is too large */
        CASE(1, "\1S\1\x14\x40\1a\0\2\x80\x80\x80\x8", TELEM_ERR_LIMIT, 5),
        CASE(1, "\1S\1\2\x40\1a\0\xFF\xFF\3", TELEM_OK, 0),             /* 65,535 columns */
        CASE(1, "\1S\1\2\x41\1a\0\xFF\xFF\3", TELEM_ERR_LIMIT, 5),      /* and a presence byte */
        CASE(1, "\1S\1\xE\0\1a\0\1\x80\2\1x", TELEM_ERR_CORRUPT, 11),   /* label 256 of an enum8 */
        CASE(1, "\1S\1\xF\0\1a\0\1\x80\2\1x", TELEM_OK, 0),
        CASE(1, "\1S\1\x11\0\1a\0\1\x8\1x", TELEM_ERR_CORRUPT, 11),     /* bit 8 of a bits8 */
        CASE(1, "\1S\1\x13\0\1a\0\1\x1F\1x", TELEM_OK, 0),
        CASE(1, "\1S\1\x13\0\1a\0\1\x20\1x", TELEM_ERR_CORRUPT, 11),
        CASE(1, "\1S\1\xE\0\1a\0\1\1\0", TELEM_ERR_CORRUPT, 12),        /* empty label */
        CASE(1, "\1S\1\xE\0\1a\0\3\1\1x", TELEM_ERR_CORRUPT, 10),       /* more labels than bytes */
        CASE(1, "\1S\1\1\x80\1a\0" ONE ONE "\0", TELEM_ERR_CORRUPT, 10), /* a scaled bool */
        CASE(1, "\1S\1\3\x80\1a\0" ONE D8 "\0", TELEM_ERR_CORRUPT, 10),  /* scaling that says nothing */
        CASE(1, "\1S\1\3\x80\1a\0" D8 ONE "\0", TELEM_ERR_CORRUPT, 10),  /* scale 0 */
        CASE(1, "\1S\1\3\x80\1a\0" ONE "\0\0\0\0\0\0\0\x80" "\1", TELEM_ERR_CORRUPT, 10), /* bias -0 */
        CASE(1, "\1S\1\3\x80\1a\0" "\0\0\0\0\0\0\xF0\x7F" D8 "\0", TELEM_ERR_CORRUPT, 10), /* infinite */
        CASE(1, "\1S\1\3\x80\1a\0" ONE "\0\0\0\0\0\0\xF8\x7F" "\0", TELEM_ERR_CORRUPT, 10), /* not a number */
        CASE(1, "\1S\1\3\x80\1a\0" ONE D8 "\x13", TELEM_OK, 0),
        CASE(1, "\1S\1\3\x80\1a\0" ONE D8 "\x14", TELEM_ERR_CORRUPT, 10), /* 19 decimals */
        CASE(1, "\1S\1\3\x80\1a\0" ONE "\0\0\0", TELEM_ERR_CORRUPT, 18), /* cut */
        CASE(1, "\1S\1\x18\0\1a\0\1T\0", TELEM_ERR_CORRUPT, 12),        /* struct without fields */
        CASE(2, "\1S\1\x18\0\1a\0\1T\1\2\0\1b\0", TELEM_OK, 0),
        CASE(2, "\1S\1\x18\x40\1a\0\xFF\xFF\3\1T\1\2\x40\1b\0\2", TELEM_ERR_LIMIT, 22), /* counts multiply */
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        telem_error err = TELEM_ZERO;
        telem_result r = decode_identity(cases[i].identity, cases[i].n, cases[i].fields, &err);
        if (r != cases[i].code || (r != TELEM_OK && (err.code != r || err.offset != (uint64_t)cases[i].offset)))
            printf("case %d: %d at %d, expected %d at %d (%s)\n", (int)i, (int)r, (int)err.offset, cases[i].code, cases[i].offset, err.what ? err.what : "");
        CHECK_EQ_INT(r, cases[i].code);
        if (r != TELEM_OK) CHECK_EQ_INT(err.offset, cases[i].offset);
    }
}

TEST(violations_of_the_frame_and_the_extra) {
    uint8_t b[sizeof golden + 1];
    telem_error err = TELEM_ZERO;
    size_t extra = 2 + 68;
    memcpy(b, golden, sizeof golden);
    b[sizeof golden] = 0;
    CHECK_EQ_INT(decode_again(b, sizeof b, &err), TELEM_ERR_CORRUPT); /* a byte behind the end */
    CHECK_EQ_INT(err.offset, sizeof golden);
    b[0] = 2;
    CHECK_EQ_INT(decode_again(b, sizeof golden, &err), TELEM_ERR_UNSUPPORTED);
    b[0] = 1;
    b[extra + 1] = 200; /* a description longer than the section */
    CHECK_EQ_INT(decode_again(b, sizeof golden, &err), TELEM_ERR_CORRUPT);
    CHECK_EQ_INT(err.offset, extra + 1);
    b[extra + 1] = 1, b[extra + 2] = 0; /* NUL in it */
    CHECK_EQ_INT(decode_again(b, sizeof golden, &err), TELEM_ERR_CORRUPT);
    b[extra + 2] = '\n'; /* a line end is fine in a description */
    CHECK_OK(decode_again(b, sizeof golden, &err));
    b[extra] = (uint8_t)(b[extra] - 1); /* extra one shorter */
    CHECK_EQ_INT(decode_again(b, sizeof golden, &err), TELEM_ERR_CORRUPT);
    b[extra] = (uint8_t)(b[extra] + 2); /* one longer than there is */
    CHECK_EQ_INT(decode_again(b, sizeof golden, &err), TELEM_ERR_TRUNCATED);
    CHECK_EQ_INT(decode_again(b, 0, &err), TELEM_ERR_TRUNCATED);
}

/* ---- limits ---- */

static uint64_t nest_memory[12][40];

static const telem_schema *nested_schema(int depth) {
    const telem_schema *s = NULL;
    int i;
    for (i = 0; i < depth; i++) {
        telem_schema_builder b;
        telem_field f = plain("x", i ? TELEM_STRUCT : TELEM_U8);
        f.nested = s;
        telem_schema_builder_init(&b, nest_memory[i], sizeof nest_memory[i], "N", NULL);
        telem_schema_builder_add(&b, &f);
        if (telem_schema_builder_finish(&b, &s)) return NULL;
    }
    return s;
}

TEST(each_limit_is_enforced) {
    static uint64_t memory[4000];
    static char text[5000];
    telem_schema_builder b;
    telem_field f = plain("x", TELEM_U8);
    const telem_schema *s = NULL;
    CHECK(nested_schema(8) != NULL);
    CHECK_EQ_INT(telem_schema_row_size(nested_schema(8)), 1);
    CHECK(nested_schema(9) == NULL);
    telem_schema_builder_init(&b, memory, sizeof memory, "S", NULL);
    f.count = 65535;
    CHECK_OK(telem_schema_builder_add(&b, &f));
    f.count = 0;
    CHECK_EQ_INT(telem_schema_builder_add(&b, &f), TELEM_ERR_LIMIT); /* columns */
    CHECK_EQ_INT(telem_schema_builder_finish(&b, &s), TELEM_ERR_LIMIT); /* sticks */
    telem_schema_builder_init(&b, memory, sizeof memory, "S", NULL);
    f = plain("x", TELEM_BYTES);
    f.size = TELEM_MAX_ROW;
    CHECK_OK(telem_schema_builder_add(&b, &f));
    f.size = 1;
    CHECK_EQ_INT(telem_schema_builder_add(&b, &f), TELEM_ERR_LIMIT); /* row */
    memset(text, 'x', sizeof text);
    f = plain("x", TELEM_U8);
    f.desc = text;
    text[4096] = 0;
    CHECK(telem_i_check_field(&f) == NULL);
    text[4096] = 'x', text[4097] = 0;
    CHECK(telem_i_check_field(&f) != NULL);
    f.desc = NULL, f.name = text, text[255] = 0;
    CHECK(telem_i_check_field(&f) == NULL);
    text[255] = 'x', text[256] = 0;
    CHECK(telem_i_check_field(&f) != NULL);
}

TEST(encoding_over_one_mebibyte_is_refused) {
    static telem_field fields[300];
    static char desc[4097];
    telem_schema s = TELEM_ZERO;
    telem_error err;
    int i;
    memset(desc, 'd', 4096);
    for (i = 0; i < 300; i++) {
        fields[i] = plain("x", TELEM_U8);
        fields[i].desc = desc;
    }
    s.name = "S", s.fields = fields, s.size = 1;
    s.field_count = 255;
    CHECK_OK(telem_schema_check(&s, &err));
    CHECK(telem_schema_encode(&s, 0, NULL, 0) <= (int64_t)TELEM_MAX_ENCODING);
    s.field_count = 256;
    CHECK_EQ_INT(telem_schema_check(&s, &err), TELEM_ERR_LIMIT);
    CHECK_EQ_INT(telem_schema_encode(&s, 0, NULL, 0), TELEM_ERR_LIMIT);
}

TEST(check_refuses_each_broken_rule) {
    telem_label labels[1];
    telem_field f[2];
    telem_schema s = TELEM_ZERO, empty = TELEM_ZERO, loop = TELEM_ZERO;
    telem_error err;
    int i;
    labels[0].value = 256, labels[0].name = "x";
    empty.name = "E";
    s.name = "S", s.fields = f, s.field_count = 2, s.size = 16;
    for (i = 0; i < 24; i++) {
        telem_result expected = TELEM_ERR_ARG;
        f[0] = plain("a", TELEM_U8), f[1] = plain("b", TELEM_U16);
        f[1].offset = 8;
        switch (i) {
        case 0: f[1].type = 0; break;
        case 1: f[1].type = 25; break;
        case 2: f[1].flags = 0x40; break;
        case 3: f[1].type = TELEM_F32, f[1].flags = TELEM_COUNTER; break;
        case 4: f[1].name = ""; break;
        case 5: f[1].name = NULL; break;
        case 6: f[1].name = "a\tb"; break;
        case 7: f[1].unit = "\x7F"; break;
        case 8: f[1].size = 4; break;
        case 9: f[1].type = TELEM_CHARS; break;
        case 10: f[1].type = TELEM_BOOL, f[1].scale = 2; break;
        case 11: f[1].scale = 1e300, f[1].scale *= 1e300; break;
        case 12: f[1].decimals = 20; break;
        case 13: f[1].type = TELEM_STRUCT; break;
        case 14: f[1].type = TELEM_STRUCT, f[1].nested = &empty; break;
        case 15: f[1].labels = labels, f[1].label_count = 1; break;
        case 16: f[1].type = TELEM_ENUM8, f[1].label_count = 1; break;
        case 17: f[1].type = TELEM_ENUM8, f[1].labels = labels, f[1].label_count = 1; break;
        case 18: f[1].offset = 15; break;
        case 19: f[1].offset = 0xFFFFFFFFu; break;
        case 20: f[1].count = 5, f[1].stride = 2; break;
        case 21: f[1].count = 2, f[1].stride = 1; break;
        case 22: f[1].flags = TELEM_OPTIONAL, f[1].presence = 16; break;
        default: /* a struct that holds itself */
            loop.name = "L", loop.fields = &f[1], loop.field_count = 1, loop.size = 16;
            f[1] = plain("b", TELEM_STRUCT), f[1].nested = &loop;
            expected = TELEM_ERR_LIMIT;
        }
        CHECK_EQ_INT(telem_schema_check(&s, &err), expected);
        if (i < 23) CHECK_EQ_INT(err.offset, 1);
        CHECK(err.what != NULL && err.code == expected);
    }
    f[0] = plain("a", TELEM_U8), f[1] = plain("b", TELEM_U16);
    f[1].offset = 14;
    CHECK_OK(telem_schema_check(&s, &err));
    s.name = NULL;
    CHECK_EQ_INT(telem_schema_check(&s, &err), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_schema_check(NULL, NULL), TELEM_ERR_ARG);
}

/* ---- builder ---- */

TEST(builder_in_too_little_memory_says_so) {
    static uint64_t memory[200];
    size_t size;
    int worked = 0;
    for (size = 0; size < sizeof memory; size++) {
        telem_schema_builder b;
        telem_field f = plain("field", TELEM_ENUM8);
        const telem_schema *s = NULL;
        uint8_t *m = (uint8_t *)memory;
        m[size] = 0xC5;
        f.labels = mode_labels, f.label_count = 3, f.unit = "unit", f.desc = "desc";
        telem_schema_builder_init(&b, m + size % 8 * (size > 8), size - size % 8 * (size > 8), "name", "d");
        telem_schema_builder_add(&b, &f);
        if (telem_schema_builder_finish(&b, &s) == TELEM_OK) {
            worked++;
            CHECK(strcmp(s->fields[0].labels[2].name, "half, \"auto\"") == 0 && strcmp(s->name, "name") == 0);
        } else CHECK(s == NULL && telem_schema_builder_finish(&b, &s) == TELEM_ERR_MEMORY);
        CHECK_EQ_INT(m[size], 0xC5);
    }
    CHECK(worked > 500);
}

TEST(builder_copies_what_it_is_given) {
    static uint64_t memory[200];
    char name[] = "before";
    telem_schema_builder b;
    telem_field f = plain(name, TELEM_U8);
    const telem_schema *s = NULL;
    REQUIRE_OK(telem_schema_builder_init(&b, memory, sizeof memory, name, name));
    REQUIRE_OK(telem_schema_builder_add(&b, &f));
    memcpy(name, "after!", 6);
    REQUIRE_OK(telem_schema_builder_finish(&b, &s));
    CHECK_STR(s->name, "before");
    CHECK_STR(s->fields[0].name, "before");
    CHECK_EQ_INT(telem_schema_builder_init(&b, memory, sizeof memory, "", NULL), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_schema_builder_add(&b, &f), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_schema_builder_version(&b, 1, 1, 1), TELEM_ERR_ARG);
}

/* ---- random schemas ---- */

static uint64_t pool[60000];
static size_t pool_used; /* words */

static const char *random_text(uint32_t max, int name) {
    static char ring[16][320];
    static int turn;
    static const char *const odd[] = {"\"", "\\", "#", ";", "{", "}", ",", "|", ".", "[", " ", "\xC3\xA4", "\xF0\x9F\x9A\x81", "=", "unit"};
    char *t = ring[turn = (turn + 1) % 16];
    uint32_t n = below(max + 1), i = 0;
    while (i < n) {
        const char *piece = odd[below(sizeof odd / sizeof odd[0])];
        if (below(3)) t[i++] = (char)('a' + below(26));
        else if (!name && !below(4)) t[i++] = "\n\t\x01\x7F\r"[below(5)];
        else if (i + strlen(piece) <= n) {
            memcpy(t + i, piece, strlen(piece));
            i += (uint32_t)strlen(piece);
        }
    }
    if (name && i == 0) t[i++] = 'n';
    t[i] = 0;
    return t;
}

static const telem_schema *random_schema(int depth) {
    static telem_label labels[8][6];
    static char names[8][6][24];
    telem_schema_builder b;
    const telem_schema *s = NULL;
    uint32_t fields = 1 + below(depth ? 3 : 6), i, k;
    size_t mine = 1800; /* words: 14 KB for up to six fields */
    uint64_t *memory = pool + pool_used;
    pool_used += mine;
    if (pool_used > sizeof pool / 8) return NULL;
    telem_schema_builder_init(&b, memory, mine * 8, random_text(12, 1), random_text(30, 0));
    telem_schema_builder_version(&b, (uint16_t)below(3), (uint16_t)below(300), (uint16_t)below(65536));
    for (i = 0; i < fields; i++) {
        telem_field f = plain(random_text(below(20) ? 10 : 255, 1), (uint8_t)(1 + below(24)));
        if (f.type == TELEM_STRUCT && depth >= 3) f.type = TELEM_F32;
        f.flags = (uint8_t)(below(64) & ~(telem_i_is_integer(f.type) ? 0u : TELEM_COUNTER));
        f.unit = random_text(6, 0)[0] ? random_text(6, 1) : NULL;
        f.desc = random_text(40, 0), f.aliases = random_text(5, 0), f.def = random_text(5, 0);
        f.count = (uint16_t)(below(3) ? 0 : 1 + below(4));
        if (telem_i_is_sized(f.type)) f.size = 1 + below(20);
        if (telem_i_is_numeric(f.type) && below(3) == 0) {
            f.scale = below(4) ? (double)(1 + below(1000)) / 1024 : 0.0;
            f.bias = below(2) ? (double)below(100) - 50 : -0.0;
            f.decimals = (uint8_t)(below(2) ? 0 : below(20));
        }
        if (telem_i_is_labelled(f.type)) {
            f.label_count = (uint16_t)below(7);
            f.labels = labels[depth];
            for (k = 0; k < f.label_count; k++) {
                snprintf(names[depth][k], sizeof names[depth][k], "%u%s", k, random_text(8, 1));
                labels[depth][k].name = names[depth][k];
                labels[depth][k].value = telem_i_is_bits(f.type) ? below(8 * telem_i_scalar_width(f.type)) : (uint32_t)(check_rand(&rng) >> (64 - 8 * telem_i_scalar_width(f.type)));
            }
        }
        if (f.type == TELEM_STRUCT) {
            char name[300], unit[8];
            snprintf(name, sizeof name, "%s", f.name); /* the ring of texts turns below */
            snprintf(unit, sizeof unit, "%s", f.unit ? f.unit : "");
            f.name = name, f.unit = unit, f.desc = f.aliases = f.def = NULL;
            f.nested = random_schema(depth + 1);
            if (!f.nested) return NULL;
            telem_schema_builder_add(&b, &f);
        } else telem_schema_builder_add(&b, &f);
    }
    return telem_schema_builder_finish(&b, &s) == TELEM_OK ? s : NULL;
}

/* A record with every byte random, made legal: lengths within their sizes, bools 0 or 1. */
static void random_record(const telem_schema *s, uint8_t *rec) {
    telem_columns it;
    telem_column c;
    uint32_t i;
    for (i = 0; i < s->size; i++) rec[i] = (uint8_t)below(256);
    for (telem_columns_begin(&it, s); telem_columns_next(&it, &c);)
        for (i = 0; i < c.count; i++) {
            uint32_t len;
            if (c.type == TELEM_BOOL) rec[c.rec + i * c.stride] &= 1;
            if (c.type != TELEM_STRING && c.type != TELEM_BLOB) continue;
            len = below(c.field->size + 1);
            memcpy(rec + c.rec + i * c.stride, &len, 4);
        }
}

static void check_record_round_trip(const telem_schema *s, const telem_schema *same) {
    static uint8_t rec[100000], back[100000], row[100000], again[100000];
    uint32_t n = telem_schema_row_size(s);
    REQUIRE(s->size <= sizeof rec && n <= sizeof row && same->size == s->size);
    random_record(s, rec);
    memset(back, 0x33, s->size);
    CHECK_OK(telem_schema_pack(s, rec, row));
    CHECK_OK(telem_schema_unpack(same, row, back));
    CHECK_OK(telem_schema_pack(same, back, again));
    CHECK_MEM(row, again, n);
    /* NaN payloads aside, each present leaf of the record came back */
}

static void check_text_round_trip(const telem_schema *s, const uint8_t *bytes, size_t n) {
    static char text[200000], twice[200000];
    static uint8_t again[60000];
    static uint64_t memory[60000];
    const telem_schema *parsed = NULL;
    telem_error err = TELEM_ZERO;
    size_t len = telem_schema_print(s, text, sizeof text);
    int64_t need;
    REQUIRE(len < sizeof text);
    need = telem_schema_parse_bytes(text, len, &err);
    if (need < 0) printf("%s\nat %d: %s\n", text, (int)err.offset, err.what);
    REQUIRE(need > 0 && (size_t)need <= sizeof memory);
    CHECK_EQ_INT(telem_schema_parse(text, len, memory, (size_t)need - 1, &parsed, &err), TELEM_ERR_MEMORY);
    REQUIRE(telem_schema_parse(text, len, memory, (size_t)need, &parsed, &err) == TELEM_OK);
    CHECK_OK(telem_schema_check(parsed, &err));
    CHECK_EQ_INT(telem_schema_print(parsed, twice, sizeof twice), len);
    CHECK_STR(text, twice);
    CHECK_EQ_INT(telem_schema_encode(parsed, 0, again, sizeof again), (int64_t)n);
    CHECK_MEM(again, bytes, n);
    check_record_round_trip(s, parsed);
}

TEST(random_schemas_round_trip) {
    static uint8_t bytes[60000], pieces[60000];
    static uint64_t memory[60000];
    int round, made = 0, rounds = check_quick() ? 200 : 1500;
    for (round = 0; round < rounds; round++) {
        const telem_schema *s, *decoded = NULL;
        telem_error err = TELEM_ZERO;
        int64_t n, got;
        size_t at = 0;
        pool_used = 0;
        s = random_schema(0);
        if (!s) continue; /* a limit */
        n = telem_schema_encode(s, 0, bytes, sizeof bytes);
        REQUIRE(n > 0 && n < (int64_t)sizeof bytes);
        made++;
        while ((got = telem_schema_encode(s, at, pieces + at, 1 + below(50))) > 0) at += (size_t)got;
        CHECK_EQ_INT(at, n);
        CHECK_MEM(pieces, bytes, (size_t)n);
        REQUIRE(telem_schema_decode(bytes, (size_t)n, memory, sizeof memory, &decoded, &err) == TELEM_OK);
        CHECK_EQ_INT(telem_schema_encode(decoded, 0, pieces, sizeof pieces), n);
        CHECK_MEM(pieces, bytes, (size_t)n);
        CHECK(telem_schema_fingerprint(decoded) == telem_schema_fingerprint(s));
        CHECK(decoded->size == s->size && telem_schema_columns(decoded) == telem_schema_columns(s));
        check_record_round_trip(s, decoded);
        check_text_round_trip(s, bytes, (size_t)n);
        if (round % 10) continue;
        for (at = 0; at < 200; at++) { /* hostile: random damage */
            memcpy(pieces, bytes, (size_t)n);
            pieces[below((uint32_t)n)] = (uint8_t)below(256);
            pieces[below((uint32_t)n)] ^= (uint8_t)(1u << below(8));
            decode_again(pieces, (size_t)n - (below(3) ? 0 : below((uint32_t)n)), &err);
        }
    }
    CHECK(made > rounds / 2);
}

/* ---- text form ---- */

static const char manual_text[] = "# a comment\n"
                                  "schema Imu 1.0.0 \"inertial unit\" {\n"
                                  "    f32 ax unit \"m/s^2\" \"acceleration forward\";\n"
                                  "    i16 gx unit \"deg/s\" scale 0.061 \"gyro, raw counts\"; # and behind\n"
                                  "    enum8 {DISARMED = 0, ARMED = 1} mode \"flight mode\";\n"
                                  "    optional f32 motor[4] unit \"%\";\n"
                                  "    struct Vec3 { f32 x; f32 y; f32 z; } path[8];\n"
                                  "}\n";

TEST(text_of_the_manual_is_parsed_and_printed) {
    static uint64_t memory[500];
    const telem_schema *s = NULL;
    telem_error err = TELEM_ZERO;
    char text[1000];
    REQUIRE_OK(telem_schema_parse(manual_text, strlen(manual_text), memory, sizeof memory, &s, &err));
    CHECK(s->field_count == 5 && s->major == 1 && s->fields[1].scale == (double)0.061 && s->fields[3].count == 4);
    CHECK_EQ_INT(telem_schema_row_size(s), 4 + 2 + 1 + 17 + 96);
    telem_schema_print(s, text, sizeof text);
    CHECK_STR(text, "schema Imu 1.0.0 \"inertial unit\" {\n"
                    "    f32 ax unit \"m/s^2\" \"acceleration forward\";\n"
                    "    i16 gx unit \"deg/s\" scale 0.061 \"gyro, raw counts\";\n"
                    "    enum8 {DISARMED = 0, ARMED = 1} mode \"flight mode\";\n"
                    "    optional f32 motor[4] unit \"%\";\n"
                    "    struct Vec3 {\n"
                    "        f32 x;\n"
                    "        f32 y;\n"
                    "        f32 z;\n"
                    "    } path[8];\n"
                    "}\n");
    CHECK_EQ_INT(telem_schema_print(s, NULL, 0), strlen(text));
}

TEST(wrong_texts_get_code_and_offset) {
    static const struct {
        const char *text;
        int code, offset;
    } cases[] = {
        {"", TELEM_ERR_SYNTAX, 0},
        {"scheme S {}", TELEM_ERR_SYNTAX, 0},
        {"schema {}", TELEM_ERR_SYNTAX, 7},
        {"schema S", TELEM_ERR_SYNTAX, 8},
        {"schema S {", TELEM_ERR_SYNTAX, 10},
        {"schema S 1.2 {}", TELEM_ERR_SYNTAX, 13},
        {"schema S 1.2.70000 {}", TELEM_ERR_RANGE, 13},
        {"schema S {} x", TELEM_ERR_SYNTAX, 12},
        {"schema S { u9 a; }", TELEM_ERR_SYNTAX, 11},
        {"schema S { u8 a }", TELEM_ERR_SYNTAX, 16},
        {"schema S { u8 a; u8 }", TELEM_ERR_SYNTAX, 20},
        {"schema S { u8 5; }", TELEM_ERR_SYNTAX, 14},
        {"schema S { u8 \"\"; }", TELEM_ERR_ARG, 15},
        {"schema S { u8 \"a\\n\"; }", TELEM_ERR_ARG, 15},
        {"schema S { u8 \"a\\q\"; }", TELEM_ERR_SYNTAX, 16},
        {"schema S { u8 \"a\\x1\"; }", TELEM_ERR_SYNTAX, 16},
        {"schema S { u8 a \"no end; }", TELEM_ERR_SYNTAX, 26},
        {"schema S { u8 a[0]; }", TELEM_ERR_RANGE, 16},
        {"schema S { u8 a[65536]; }", TELEM_ERR_RANGE, 16},
        {"schema S { u8 a[2; }", TELEM_ERR_SYNTAX, 17},
        {"schema S { chars a; }", TELEM_ERR_SYNTAX, 17},
        {"schema S { chars(0) a; }", TELEM_ERR_RANGE, 17},
        {"schema S { enum8 a; }", TELEM_ERR_SYNTAX, 17},
        {"schema S { enum8 {A = 256} a; }", TELEM_ERR_RANGE, 25},
        {"schema S { enum8 {A 1} a; }", TELEM_ERR_SYNTAX, 20},
        {"schema S { enum8 {A = 1,} a; }", TELEM_ERR_SYNTAX, 24},
        {"schema S { u8 a unit; }", TELEM_ERR_SYNTAX, 20},
        {"schema S { u8 a scale x; }", TELEM_ERR_SYNTAX, 22},
        {"schema S { u8 a scale 0; }", TELEM_ERR_ARG, 13},
        {"schema S { u8 a scale 1e999; }", TELEM_ERR_RANGE, 22},
        {"schema S { u8 a scale inf; }", TELEM_ERR_ARG, 13},
        {"schema S { u8 a decimals 19; }", TELEM_ERR_RANGE, 25},
        {"schema S { bool a scale 2; }", TELEM_ERR_ARG, 15},
        {"schema S { counter f32 a; }", TELEM_ERR_ARG, 22},
        {"schema S { key key u8 a; }", TELEM_ERR_SYNTAX, 15},
        {"schema S { u8 a unit m unit m; }", TELEM_ERR_SYNTAX, 29},
        {"schema S { struct T { } a; }", TELEM_ERR_ARG, 21},
        {"schema S { struct T { u8 a; }; }", TELEM_ERR_SYNTAX, 29},
        {"schema S { u8 a[65535]; u8 b; }", TELEM_ERR_LIMIT, 23},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        telem_error err = TELEM_ZERO;
        int64_t r = telem_schema_parse_bytes(cases[i].text, strlen(cases[i].text), &err);
        if (r != cases[i].code || err.offset != (uint64_t)cases[i].offset)
            printf("%s: %d at %d, expected %d at %d (%s)\n", cases[i].text, (int)r, (int)err.offset, cases[i].code, cases[i].offset, err.what ? err.what : "");
        CHECK_EQ_INT(r, cases[i].code);
        CHECK(err.offset == (uint64_t)cases[i].offset && err.code == (telem_result)cases[i].code && err.what);
    }
}

TEST(every_cut_or_changed_text_is_survived) {
    static uint64_t memory[500];
    char text[sizeof manual_text];
    size_t n = strlen(manual_text), i;
    int v;
    for (i = 0; i < n; i++) {
        const telem_schema *s = NULL;
        telem_error err = TELEM_ZERO;
        char *cut = (char *)malloc(i + 1); /* at its end the sanitizer stands */
        REQUIRE(cut != NULL);
        memcpy(cut, manual_text, i);
        if (i + 2 < n) CHECK(telem_schema_parse(cut, i, memory, sizeof memory, &s, &err) < 0 && s == NULL && err.offset <= i);
        free(cut);
        for (v = 1; v < 256; v += check_quick() ? 16 : 3) {
            memcpy(text, manual_text, sizeof text);
            text[i] = (char)v;
            if (telem_schema_parse(text, n, memory, sizeof memory, &s, &err) == TELEM_OK) CHECK_OK(telem_schema_check(s, NULL));
        }
    }
}

/* ---- cells ---- */

static void cell(const char *path, const uint8_t *row, uint32_t flags, const char *expected) {
    telem_column c;
    uint32_t e;
    char text[100];
    size_t n;
    if (telem_schema_find_column(&All_schema, path, &c, &e) != TELEM_OK) {
        CHECK_STR(path, "found");
        return;
    }
    n = telem_cell_print(&c, e, row, flags, text, sizeof text);
    CHECK_STR(text, expected);
    CHECK_EQ_INT(n, strlen(expected));
}

TEST(cells_print_as_documented) {
    All a = all_example(0);
    uint8_t row[ALL_ROW];
    REQUIRE_OK(telem_schema_pack(&All_schema, &a, row));
    cell("n", row, 0, "7");
    cell("ok", row, 0, "true");
    cell("t", row, TELEM_PRINT_UNITS, "1.25s");
    cell("motor[0]", row, 0, "0.1");
    cell("motor[1]", row, 0, "-0");
    cell("motor[2]", row, 0, "1e30");
    cell("gx", row, 0, "-6.1");
    cell("gx", row, TELEM_PRINT_UNITS, "-6.1deg/s");
    cell("gx", row, TELEM_PRINT_RAW | TELEM_PRINT_UNITS, "-100");
    cell("adc[1]", row, 0, "0.5");
    cell("adc[2]", row, 0, "32766.5");
    cell("mode", row, 0, "half, \"auto\"");
    cell("mode", row, TELEM_PRINT_ENUM_NUMBER, "7");
    cell("wish", row, 0, "");
    cell("wish?", row, 0, "false");
    cell("faults", row, 0, "gps|low battery|bit15");
    cell("faults", row, TELEM_PRINT_ENUM_NUMBER, "32777");
    cell("name", row, 0, "ab");
    cell("raw", row, 0, "017fff");
    cell("text", row, 0, "x,\"");
    cell("note", row, 0, "");
    cell("note?", row, 0, "true");
    cell("blob", row, 0, "abcd");
    cell("path[1].quality", row, 0, "");
    cell("path[0].quality", row, 0, "9");
    cell("home.at.x", row, TELEM_PRINT_UNITS, "");
    cell("home.quality?", row, 0, "");
    cell("temp", row, TELEM_PRINT_UNITS, "-3.25degC");
    cell("big", row, TELEM_PRINT_UNITS, "123.456mm");
    cell("half[0]", row, 0, "1");
    cell("half[1]", row, 0, "0.1"); /* the shortest for a half */
    cell("half[2]", row, 0, "-inf");
    cell("half[3]", row, 0, "nan");
    cell("brain", row, 0, "1");
    a.mode = 9, a.faults = 0, a.big = -5, a.gx = 32767;
    REQUIRE_OK(telem_schema_pack(&All_schema, &a, row));
    cell("mode", row, 0, "9");
    cell("faults", row, 0, "0");
    cell("big", row, 0, "-0.005");
    cell("gx", row, 0, "1998.787");
}

TEST(cells_give_their_number) {
    All a = all_example(0);
    uint8_t row[ALL_ROW];
    telem_column c;
    uint32_t e;
    double v = 0;
    REQUIRE_OK(telem_schema_pack(&All_schema, &a, row));
    CHECK(telem_schema_find_column(&All_schema, "gx", &c, &e) == TELEM_OK && telem_cell_number(&c, e, row, &v) == 1 && v > -6.1001 && v < -6.0999);
    CHECK(telem_schema_find_column(&All_schema, "adc[1]", &c, &e) == TELEM_OK && telem_cell_number(&c, e, row, &v) == 1 && v == 0.5);
    CHECK(telem_schema_find_column(&All_schema, "ok", &c, &e) == TELEM_OK && telem_cell_number(&c, e, row, &v) == 1 && v == 1);
    CHECK(telem_schema_find_column(&All_schema, "faults", &c, &e) == TELEM_OK && telem_cell_number(&c, e, row, &v) == 1 && v == 32777);
    CHECK(telem_schema_find_column(&All_schema, "half[1]", &c, &e) == TELEM_OK && telem_cell_number(&c, e, row, &v) == 1 && v == 0.0999755859375);
    v = 42;
    CHECK(telem_schema_find_column(&All_schema, "name", &c, &e) == TELEM_OK && telem_cell_number(&c, e, row, &v) == 0 && v == 42);
}

/* Parses into an all-zero row; the cell's bytes, up to 8, as a number. */
static int64_t parse_cell(const char *path, const char *text, uint64_t *raw) {
    static uint8_t row[ALL_ROW], before[ALL_ROW];
    telem_column c;
    uint32_t e;
    telem_result r = telem_schema_find_column(&All_schema, path, &c, &e);
    if (r != TELEM_OK) return -99;
    memset(row, 0, sizeof row);
    row[c.row + e * c.width] = 0x5A;
    memcpy(before, row, sizeof row);
    r = telem_cell_parse(&c, e, text, strlen(text), row);
    *raw = telem_i_load(row + c.row + e * c.width, c.width < 8 ? c.width : 8);
    if (r != TELEM_OK) CHECK_MEM(row, before, sizeof row); /* nothing is changed */
    else if (c.guard != TELEM_NO_GUARD) CHECK_EQ_INT(row[c.guard], *text != 0);
    return r;
}

TEST(cells_are_parsed_or_refused_unchanged) {
    static const struct {
        const char *path, *text;
        int code;
        uint64_t raw;
    } cases[] = {
        {"n", "4294967295", TELEM_OK, 4294967295u}, {"n", "4294967296", TELEM_ERR_RANGE, 0}, {"n", "-1", TELEM_ERR_RANGE, 0},
        {"n", "1e3", TELEM_OK, 1000},               {"n", "2.0", TELEM_OK, 2},               {"n", "2.5", TELEM_ERR_SYNTAX, 0},
        {"n", "x", TELEM_ERR_SYNTAX, 0},            {"n", "", TELEM_ERR_SYNTAX, 0},          {"n", "nan", TELEM_ERR_RANGE, 0},
        {"n", "inf", TELEM_ERR_RANGE, 0},           {"ok", "true", TELEM_OK, 1},             {"ok", "0", TELEM_OK, 0},
        {"ok", "2", TELEM_ERR_SYNTAX, 0},           {"gx", "-6.1", TELEM_OK, 0xFF9C},        {"gx", "6.12", TELEM_OK, 100},
        {"gx", "1998.787", TELEM_OK, 32767},        {"gx", "1998.9", TELEM_ERR_RANGE, 0},    {"adc[2]", "32766.5", TELEM_OK, 65535},
        {"adc[0]", "-1.5", TELEM_ERR_RANGE, 0},     {"mode", "ARMED", TELEM_OK, 1},          {"mode", "half, \"auto\"", TELEM_OK, 7},
        {"mode", "200", TELEM_OK, 200},             {"mode", "256", TELEM_ERR_RANGE, 0},     {"mode", "armed", TELEM_ERR_SYNTAX, 0},
        {"faults", "gps|bit15", TELEM_OK, 0x8001},  {"faults", "0", TELEM_OK, 0},            {"faults", "65535", TELEM_OK, 65535},
        {"faults", "65536", TELEM_ERR_RANGE, 0},    {"faults", "gps|", TELEM_ERR_SYNTAX, 0}, {"faults", "|gps", TELEM_ERR_SYNTAX, 0},
        {"faults", "bit16", TELEM_ERR_RANGE, 0},    {"faults", "low battery", TELEM_OK, 8},  {"faults", "low|gps", TELEM_ERR_SYNTAX, 0},
        {"name", "abcdef", TELEM_OK, 0x666564636261}, {"name", "abcdefg", TELEM_ERR_RANGE, 0}, {"name", "", TELEM_OK, 0},
        {"raw", "01fF20", TELEM_OK, 0},             {"raw", "01ff", TELEM_ERR_RANGE, 0},     {"raw", "01fg20", TELEM_ERR_SYNTAX, 0},
        {"raw", "01ff2", TELEM_ERR_SYNTAX, 0},      {"text", "123456789", TELEM_OK, 0x3433323100000009}, {"text", "1234567890", TELEM_ERR_RANGE, 0},
        {"blob", "", TELEM_OK, 0},                  {"blob", "01020304", TELEM_ERR_RANGE, 0}, {"temp", "-3.25", TELEM_OK, 0xC0500000},
        {"temp", "", TELEM_OK, 0},                  {"temp", "1e39", TELEM_ERR_RANGE, 0},    {"big", "123.456", TELEM_OK, 123456},
        {"big", "0.0004", TELEM_OK, 0},             {"big", "0.0006", TELEM_OK, 1},          {"half[1]", "0.1", TELEM_OK, 0x2E66},
        {"half[1]", "1e5", TELEM_ERR_RANGE, 0},     {"brain", "1", TELEM_OK, 0x3F80},        {"ids[1]", "18446744073709551615", TELEM_OK, UINT64_MAX},
        {"ids[1]", "", TELEM_OK, 0},                {"t", "1.25", TELEM_OK, 0x3FF4000000000000}, {"home.at.x", "", TELEM_OK, 0},
        {"temp?", "1", TELEM_OK, 1},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t raw = 0;
        int64_t r = parse_cell(cases[i].path, cases[i].text, &raw);
        if (r != cases[i].code) printf("%s = '%s': %d\n", cases[i].path, cases[i].text, (int)r);
        CHECK_EQ_INT(r, cases[i].code);
        if (r == TELEM_OK && strcmp(cases[i].path, "raw") != 0 && raw != cases[i].raw) {
            printf("%s = '%s'\n", cases[i].path, cases[i].text);
            CHECK_EQ_INT(raw, cases[i].raw);
        }
    }
}

/* What is printed is parsed back to the same raw value. */
TEST(printed_cells_are_parsed_back) {
    int round;
    for (round = 0; round < 3000; round++) {
        All a = all_example(0);
        uint8_t row[ALL_ROW], back[ALL_ROW];
        telem_columns it;
        telem_column c;
        uint32_t i;
        char text[100];
        a.gx = (int16_t)((int)below(65536) - 32768);
        for (i = 0; i < 3; i++) a.adc[i] = (uint16_t)below(65536);
        for (i = 0; i < 4; i++) a.half[i] = (uint16_t)(below(0x7C00) | (below(2) << 15)), a.motor[i] = (float)below(100000) / 7;
        a.big = (int64_t)below(1000000000) - 500000000;
        a.t = (double)check_rand(&rng) / 3;
        a.faults = (uint16_t)below(65536), a.mode = (uint8_t)below(256), a.brain = (uint16_t)below(0x7F80);
        REQUIRE_OK(telem_schema_pack(&All_schema, &a, row));
        memset(back, 0, sizeof back);
        for (telem_columns_begin(&it, &All_schema); telem_columns_next(&it, &c);)
            for (i = 0; i < c.count && !c.presence; i++) {
                size_t n = telem_cell_print(&c, i, row, 0, text, sizeof text);
                CHECK_OK(telem_cell_parse(&c, i, text, n, back));
            }
        back[telem_schema_row_size(&All_schema) - 1] = row[telem_schema_row_size(&All_schema) - 1];
        REQUIRE_OK(telem_schema_find_column(&All_schema, "note?", &c, NULL));
        back[c.row] = row[c.row]; /* an empty text reads as absent */
        CHECK_MEM(back, row, telem_schema_row_size(&All_schema));
    }
}

/* ---- rows ---- */

TEST(rows_print_as_text_json_and_csv) {
    All a = all_example(0);
    uint8_t row[ALL_ROW];
    char text[2000];
    size_t n;
    REQUIRE_OK(telem_schema_pack(&All_schema, &a, row));
    n = telem_row_print_text(&All_schema, row, TELEM_PRINT_UNITS, text, sizeof text);
    CHECK_STR(text, "n=7 ok=true t=1.25s motor=[0.1%,-0%,1e30%,100%] gx=-6.1deg/s adc=[-1V,0.5V,32766.5V] mode=half, \"auto\" "
                    "faults=gps|low battery|bit15 name=\"ab\" raw=017fff text=\"x,\\\"\" note=\"\" blob=abcd pos={x=1m y=2m} "
                    "path=[{quality=9 at={x=3m y=4m}},{at={x=5m y=6m}}] temp=-3.25degC big=123.456mm half=[1,0.1,-inf,nan] brain=1");
    CHECK_EQ_INT(n, strlen(text));
    n = telem_row_print_json(&All_schema, row, TELEM_PRINT_INT64_STRING | TELEM_PRINT_UNITS, text, sizeof text);
    CHECK_STR(text, "{\"n\":7,\"ok\":true,\"t\":1.25,\"motor\":[0.1,-0,1e30,100],\"gx\":-6.1,\"adc\":[-1,0.5,32766.5],"
                    "\"mode\":\"half, \\\"auto\\\"\",\"wish\":null,\"faults\":\"gps|low battery|bit15\",\"name\":\"ab\",\"raw\":\"017fff\","
                    "\"text\":\"x,\\\"\",\"note\":\"\",\"blob\":\"abcd\",\"pos\":{\"x\":1,\"y\":2},\"path\":[{\"quality\":9,\"at\":{\"x\":3,\"y\":4}},"
                    "{\"quality\":null,\"at\":{\"x\":5,\"y\":6}}],\"home\":null,\"temp\":-3.25,\"big\":123.456,\"half\":[1,0.1,null,null],"
                    "\"ids\":null,\"brain\":1}");
    CHECK_EQ_INT(n, strlen(text));
    n = telem_row_print_csv(&All_schema, row, 0, text, sizeof text);
    CHECK_STR(text, "7,true,1.25,0.1,-0,1e30,100,-6.1,-1,0.5,32766.5,\"half, \"\"auto\"\"\",,gps|low battery|bit15,ab,017fff,\"x,\"\"\",,abcd,"
                    "1,2,9,3,4,,5,6,,,,-3.25,123.456,1,0.1,-inf,,,,1");
    CHECK_EQ_INT(n, strlen(text));
    n = telem_schema_print_csv_header(&All_schema, 0, text, sizeof text);
    CHECK_STR(text, "n,ok,t[s],motor[0][%],motor[1][%],motor[2][%],motor[3][%],gx[deg/s],adc[0][V],adc[1][V],adc[2][V],mode,wish,faults,name,raw,text,"
                    "note,blob,pos.x[m],pos.y[m],path[0].quality,path[0].at.x[m],path[0].at.y[m],path[1].quality,path[1].at.x[m],path[1].at.y[m],"
                    "home.quality,home.at.x[m],home.at.y[m],temp[degC],big[mm],half[0],half[1],half[2],half[3],ids[0],ids[1],brain");
    CHECK_EQ_INT(n, strlen(text));
    a.has_ids = 1, a.ids[0] = UINT64_MAX, a.ids[1] = 0;
    REQUIRE_OK(telem_schema_pack(&All_schema, &a, row));
    telem_row_print_json(&All_schema, row, TELEM_PRINT_INT64_STRING, text, sizeof text);
    CHECK(strstr(text, "\"ids\":[\"18446744073709551615\",\"0\"]") != NULL);
    telem_row_print_json(&All_schema, row, TELEM_PRINT_RAW | TELEM_PRINT_ENUM_NUMBER, text, sizeof text);
    CHECK(strstr(text, "\"gx\":-100") && strstr(text, "\"mode\":7") && strstr(text, "\"faults\":32777") && strstr(text, "\"ids\":[18446744073709551615,0]"));
    telem_schema_print_csv_header(&All_schema, TELEM_PRINT_RAW, text, sizeof text);
    CHECK(strstr(text, ",gx,adc[0],") && strstr(text, ",big,half") && strstr(text, "temp[degC]"));
}

TEST(printing_into_a_small_buffer_cuts_and_counts) {
    All a = all_example(0);
    uint8_t row[ALL_ROW];
    char full[2000], cut[2000];
    size_t n, cap;
    REQUIRE_OK(telem_schema_pack(&All_schema, &a, row));
    n = telem_row_print_json(&All_schema, row, 0, full, sizeof full);
    for (cap = 0; cap < n + 3; cap++) {
        memset(cut, 'Z', sizeof cut);
        CHECK_EQ_INT(telem_row_print_json(&All_schema, row, 0, cut, cap), n);
        CHECK(cap == 0 || (strncmp(cut, full, cap - 1) == 0 && cut[cap - 1 < n ? cap - 1 : n] == 0));
        CHECK(cut[cap] == 'Z' && cut[cap + 1] == 'Z');
    }
    CHECK_EQ_INT(telem_row_print_json(&All_schema, row, 0, NULL, 0), n);
}

TEST(json_repairs_text_that_is_no_utf8) {
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"a\xFFz", "a\xEF\xBF\xBDz"},        {"\xC3\xA4", "\xC3\xA4"},          {"\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD"}, {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xF0\x9F\x9A\x81", "\xF0\x9F\x9A\x81"}, {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, {"\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\x01\x1F\x7F", "\\u0001\\u001f\\u007f"}, {"\\\n\"", "\\\\\\n\\\""},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        All a = all_example(0);
        uint8_t row[ALL_ROW];
        char text[2000], expected[100];
        memset(a.name, 0, sizeof a.name);
        memcpy(a.name, cases[i].text, strlen(cases[i].text));
        REQUIRE_OK(telem_schema_pack(&All_schema, &a, row));
        telem_row_print_json(&All_schema, row, 0, text, sizeof text);
        snprintf(expected, sizeof expected, "\"name\":\"%s\",", cases[i].json);
        if (!strstr(text, expected)) CHECK_STR(text, expected);
    }
}

TEST(an_event_without_fields_is_a_schema) {
    telem_schema s = TELEM_ZERO;
    uint8_t bytes[20], row[1];
    char text[100];
    telem_columns it;
    telem_column c;
    s.name = "Event";
    CHECK_OK(telem_schema_check(&s, NULL));
    CHECK_EQ_INT(telem_schema_row_size(&s), 0);
    telem_columns_begin(&it, &s);
    CHECK_EQ_INT(telem_columns_next(&it, &c), 0);
    CHECK_EQ_INT(telem_schema_encode(&s, 0, bytes, sizeof bytes), 14);
    CHECK_OK(decode_again(bytes, 14, NULL));
    telem_row_print_json(&s, row, 0, text, sizeof text);
    CHECK_STR(text, "{}");
    telem_schema_print(&s, text, sizeof text);
    CHECK_STR(text, "schema Event 0.0.0 {\n}\n");
    CHECK(telem_schema_parse_bytes(text, strlen(text), NULL) > 0);
}

TEST(german_locale_changes_nothing) {
    All a = all_example(0);
    uint8_t row[ALL_ROW];
    uint64_t raw = 0;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "de_DE")) SKIP("locale de_DE is not installed");
    REQUIRE_OK(telem_schema_pack(&All_schema, &a, row));
    cell("gx", row, 0, "-6.1");
    cell("t", row, 0, "1.25");
    CHECK(parse_cell("t", "1.25", &raw) == TELEM_OK && parse_cell("t", "1,25", &raw) == TELEM_ERR_SYNTAX);
    setlocale(LC_ALL, "C");
}

typedef struct shape_inner { float x, y; } shape_inner;
typedef struct shape_outer { double at; struct { uint32_t len; char data[8]; } note; } shape_outer;
TELEM_DESCRIBE(shape_inner_schema, shape_inner, "inner", "", TELEM_MEMBER(shape_inner, x, f32, "", ""),
               TELEM_MEMBER(shape_inner, y, f32, "", ""));
typedef struct shape_wrong { float at; float other[3]; } shape_wrong;
TELEM_DESCRIBE(shape_wrong_schema, shape_wrong, "wrong", "", TELEM_MEMBER_STRUCT(shape_wrong, at, shape_inner_schema, ""));

TEST(member_of_another_size_than_its_struct_is_refused) {
    telem_error e = TELEM_ZERO;
    CHECK_EQ_INT(telem_schema_check(&shape_wrong_schema, &e), TELEM_ERR_ARG);
    CHECK_STR(e.what, "the member has not the size of its schema's struct");
    CHECK_OK(telem_schema_check(&shape_inner_schema, NULL));
}

TEST(string_member_is_set_and_cut_to_its_size) {
    shape_outer o;
    memset(&o, 0xAA, sizeof o);
    TELEM_SET_STRING(o.note, "armed");
    CHECK_EQ_INT(o.note.len, 5);
    CHECK_MEM(o.note.data, "armed\0\0\0", 8);
    TELEM_SET_STRING(o.note, "disarmed by hand");
    CHECK_EQ_INT(o.note.len, 8);
    CHECK_MEM(o.note.data, "disarmed", 8);
    TELEM_SET_STRING(o.note, NULL);
    CHECK_EQ_INT(o.note.len, 0);
}

TEST(the_small_hash_is_xxh32) {
    uint64_t state = check_seed();
    uint8_t bytes[200];
    uint32_t i, n, seed;
    for (i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(check_rand(&state) >> 40);
    for (n = 0; n <= sizeof bytes; n++) {
        seed = (uint32_t)(check_rand(&state) >> 32);
        CHECK_EQ_INT(telem_i_small_xxh32(bytes, n, seed), XXH32(bytes, n, seed));
        CHECK_EQ_INT(telem_i_small_xxh32(bytes + 1, n ? n - 1u : 0, seed), XXH32(bytes + 1, n ? n - 1u : 0, seed));
    }
}

int main(void) {
    RUN(member_of_another_size_than_its_struct_is_refused);
    RUN(string_member_is_set_and_cut_to_its_size);
    rng = check_seed();
    RUN(table_yields_struct_and_schema);
    RUN(existing_struct_is_described);
    RUN(row_form_is_as_specified);
    RUN(equal_records_have_equal_rows);
    RUN(too_long_a_string_is_refused);
    RUN(hostile_rows_are_refused_or_made_canonical);
    RUN(columns_cover_the_row_in_order);
    RUN(presence_columns_tell_what_they_cover);
    RUN(wrong_paths_find_nothing);
    RUN(encoding_is_as_specified);
    RUN(fingerprint_is_pinned);
    RUN(decoded_schema_has_the_compilers_layout);
    RUN(every_truncation_is_refused);
    RUN(every_flipped_byte_is_refused_or_canonical);
    RUN(each_violation_gets_its_code_and_offset);
    RUN(violations_of_the_frame_and_the_extra);
    RUN(each_limit_is_enforced);
    RUN(encoding_over_one_mebibyte_is_refused);
    RUN(check_refuses_each_broken_rule);
    RUN(builder_in_too_little_memory_says_so);
    RUN(builder_copies_what_it_is_given);
    RUN(random_schemas_round_trip);
    RUN(text_of_the_manual_is_parsed_and_printed);
    RUN(wrong_texts_get_code_and_offset);
    RUN(every_cut_or_changed_text_is_survived);
    RUN(cells_print_as_documented);
    RUN(cells_give_their_number);
    RUN(cells_are_parsed_or_refused_unchanged);
    RUN(printed_cells_are_parsed_back);
    RUN(rows_print_as_text_json_and_csv);
    RUN(printing_into_a_small_buffer_cuts_and_counts);
    RUN(json_repairs_text_that_is_no_utf8);
    RUN(an_event_without_fields_is_a_schema);
    RUN(german_locale_changes_nothing);
    RUN(the_small_hash_is_xxh32);
    return CHECK_MAIN_END();
}
