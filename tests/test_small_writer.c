/* test_small_writer.c - telem_file_small: the bytes of telem_file_writer for the same rows, settings and calls; an io that
   fails; the printed schema. */
#define _POSIX_C_SOURCE 200809L
#include "file_kit.h"

#define STREAMS 3u
#define READER_MEMORY (1u << 20)

#define DECIMAL_TABLE(F) \
    F(FULL, f32, volt, 3, "V", 1.0, 0.0, TELEM_DECIMALS(3), 0, "") F(FIELD, f32, raw, "", "") F(FIELD, u16, adc, "", "") \
    F(FIELD, f64, real, "", "") F(FIELD, bool_, on, "", "") F(FIELD, u8, still, "", "")
TELEM_DEFINE(Decimal, DECIMAL_TABLE, "");
#define WIDE_TABLE(F) F(ARRAY, f32, f, 100, "", "") F(ARRAY, u16, a, 37, "", "") F(COUNT, u32, n, "")
TELEM_DEFINE(Wide, WIDE_TABLE, "");

/* The same session by both writers. */
typedef struct pair {
    kit_file f, g; /* of the general one; of the small one. f has the rows */
    telem_io io, small_io;
    telem_file_writer w;
    telem_file_small small;
    telem_file_small_desc sd;
    telem_file_small_stream_desc ssd[STREAMS];
    telem_file_small_stream ss[STREAMS];
    telem_file_encoded encoded[STREAMS];
    void *encoding[STREAMS], *memory;
    kit_schema random[STREAMS];
    uint8_t *rows[STREAMS], *rec;
    int64_t time[STREAMS];
    uint32_t count;
    uint64_t told;
} pair;

static char printed[8192];
static void print(void *user, const char *text) {
    (void)user;
    strncat(printed, text, sizeof printed - strlen(printed) - 1u);
}

/* What telem_file_small_print_clock printed, as bytes. */
static uint32_t bytes_of(const char *text, uint8_t *to) {
    uint32_t n = 0;
    text = strchr(text, '{');
    while (text && *text != '}') {
        to[n++] = (uint8_t)strtoul(text + 1, NULL, 10);
        text = text + 1 + strcspn(text + 1, ",}");
    }
    return n;
}

static const telem_schema *draw_schema(pair *p, uint32_t i, uint64_t *rng) {
    int64_t n;
    telem_file_encoded e;
    if (kit_one_in(rng, 3)) return kit_one_in(rng, 2) ? &Decimal_schema : &Wide_schema;
    do {
        kit_free_schema(&p->random[i]);
        kit_random_schema(&p->random[i], rng);
        n = telem_file_small_encode(p->random[i].schema, NULL, 0, &e, NULL, 0);
        CHECK(n > 0 || n == TELEM_ERR_UNSUPPORTED);
    } while (n < 0);
    return p->random[i].schema;
}

/* Decimal: the voltages mostly have three decimals, so that groups go by them. */
static void step(pair *p, uint32_t i, uint64_t *rng, uint32_t calm) {
    const telem_schema *schema = p->f.s[i].schema;
    uint32_t k;
    kit_step_row(schema, p->rows[i], rng, calm);
    for (k = 0; schema == &Decimal_schema && k < 3; k++) {
        float v = (float)(int)(kit_below(rng, 4000) - 2000u) / 1000.0f;
        uint32_t bits;
        memcpy(&bits, &v, 4);
        if (!kit_one_in(rng, 300)) telem_put32(p->rows[i] + 4u * k, bits);
    }
}

static void open_pair(pair *p, uint64_t *rng) {
    telem_file_writer_desc d;
    telem_clock clock = TELEM_ZERO;
    static uint8_t clock_bytes[64];
    size_t need;
    uint32_t i, most = 1, with_clock = kit_below(rng, 2);
    memset(p, 0, sizeof *p);
    memset(&d, 0, sizeof d);
    p->f.session = 77;
    p->count = 1u + kit_below(rng, STREAMS);
    for (i = 0; i < p->count; i++) {
        const telem_schema *schema = draw_schema(p, i, rng);
        int64_t n = telem_file_small_encode(schema, NULL, with_clock, &p->encoded[i], NULL, 0);
        n += 24; /* the stream's name is another */
        p->encoding[i] = kit_alloc((size_t)n);
        (void)kit_add(&p->f, 10u * i, schema, 0);
        CHECK(telem_file_small_encode(schema, p->f.s[i].name, with_clock, &p->encoded[i], p->encoding[i], (size_t)n) > 0);
        p->rows[i] = (uint8_t *)kit_alloc(telem_schema_row_size(schema) + 1u);
        memset(p->rows[i], 0, telem_schema_row_size(schema) + 1u);
        if (schema->size > most) most = schema->size;
    }
    p->rec = (uint8_t *)kit_alloc(most);
    p->io = kit_io(&p->f);
    p->small_io = kit_io(&p->g);
    d.io = &p->io;
    d.session = 77;
    d.profile = TELEM_FILE_WIRE;
    d.coding = kit_one_in(rng, 2) ? TELEM_FILE_ROWS : TELEM_FILE_MINI;
    d.max_streams = STREAMS;
    d.max_row = 12000;
    d.max_block = 1u << 18;
    d.created = kit_one_in(rng, 2) ? 1234567890 : 0;
    if (kit_one_in(rng, 2)) d.block_bytes = 100u + kit_below(rng, 3000);
    if (kit_one_in(rng, 2)) d.block_rows = 1u + kit_below(rng, kit_one_in(rng, 2) ? 4 : 32);
    if (kit_one_in(rng, 2)) d.key_bytes = 1u + kit_below(rng, 3000);
    if (kit_one_in(rng, 3)) d.key_rows = 1u + kit_below(rng, 100);
    if (kit_one_in(rng, 2)) d.key_ns = kit_one_in(rng, 4) ? UINT64_MAX : 1u + kit_below(rng, 100000);
    if (kit_one_in(rng, 2)) d.max_age_ns = kit_one_in(rng, 4) ? UINT64_MAX : 1u + kit_below(rng, 100000);
    if (kit_one_in(rng, 2)) d.announce_ns = 1u + kit_below(rng, 1000000);
    clock.hz_num = 1000000000u;
    clock.hz_den = 1;
    clock.bits = 48;
    clock.domain = TELEM_DOMAIN_USER;
    p->sd.io = &p->small_io;
    p->sd.max_block = d.max_block;
    p->sd.max_row = d.max_row;
    p->sd.max_streams = d.max_streams;
    p->sd.created = d.created;
    p->sd.max_age_ns = d.max_age_ns;
    if (with_clock) {
        printed[0] = 0;
        telem_file_small_print_clock(&clock, "clock", 1, "sim", print, NULL);
        p->sd.clock = clock_bytes;
        p->sd.clock_size = bytes_of(printed, clock_bytes);
    }
    need = telem_file_writer_bytes(&d);
    for (i = 0; i < p->count; i++) {
        telem_file_stream_desc s = TELEM_ZERO;
        s.schema = p->f.s[i].schema;
        need += telem_file_stream_bytes(&d, &s);
    }
    p->memory = kit_alloc(need);
    d.memory = p->memory;
    d.memory_size = need;
    REQUIRE_OK(telem_file_writer_open(&p->w, &d));
    CHECK_OK(telem_file_small_open(&p->small, &p->sd, 77));
    if (with_clock) CHECK_OK(telem_file_add_clock(&p->w, 1, &clock, "sim"));
    for (i = 0; i < p->count; i++) {
        telem_file_stream_desc s = TELEM_ZERO;
        telem_file_small_stream_desc *z = &p->ssd[i];
        s.id = 10u * i;
        s.schema = p->f.s[i].schema;
        s.name = p->f.s[i].name;
        s.clock = with_clock;
        CHECK_OK(telem_file_add_stream(&p->w, &s));
        z->schema = &p->encoded[i];
        z->id = s.id;
        z->coding = d.coding;
        z->block_bytes = d.block_bytes;
        z->block_rows = d.block_rows;
        z->key_bytes = d.key_bytes;
        z->key_rows = d.key_rows;
        z->key_every = d.key_ns == UINT64_MAX ? INT64_MAX : d.key_ns; /* as the general one takes it: times may jump by 2^63 */
        z->max_age = d.max_age_ns == UINT64_MAX ? INT64_MAX : d.max_age_ns;
        z->announce_every = d.announce_ns;
        z->memory = kit_alloc(telem_file_small_bytes(z)); /* just so much must do */
        CHECK_OK(telem_file_small_add(&p->small, &p->ss[i], z));
    }
}

static void free_pair(pair *p) {
    uint32_t i;
    for (i = 0; i < p->count; i++) {
        free(p->encoding[i]);
        free(p->ssd[i].memory);
        free(p->rows[i]);
        kit_free_schema(&p->random[i]);
    }
    free(p->memory);
    free(p->rec);
    kit_free_file(&p->f);
    kit_free_file(&p->g);
}

/* One row of stream i; in the small writer, whose answer this is, and in the general one when `both`. */
static telem_result row_to(pair *p, uint32_t i, int both) {
    CHECK_OK(telem_schema_unpack(p->f.s[i].schema, p->rows[i], p->rec));
    kit_note_row(&p->f.s[i], p->time[i], p->rows[i]);
    if (both) CHECK_OK(telem_file_write(&p->w, 10u * i, p->time[i], p->rec));
    return telem_file_small_write(&p->small, &p->ss[i], p->time[i], p->rec);
}

/* A call other than a row's, now and then. */
static void other(pair *p, uint64_t *rng) {
    telem_loss l = TELEM_ZERO;
    switch (kit_below(rng, 3)) {
    case 0:
        CHECK_OK(telem_file_writer_flush(&p->w));
        CHECK_OK(telem_file_small_flush(&p->small));
        break;
    case 1: {
        int64_t now = (int64_t)((uint64_t)p->time[0] + kit_below(rng, 100000));
        CHECK_OK(telem_file_writer_poll(&p->w, p->sd.clock ? 1 : 0, now));
        CHECK_OK(telem_file_small_poll(&p->small, now));
        break;
    }
    default:
        l.stream = kit_one_in(rng, 2) ? 10u * kit_below(rng, p->count) : TELEM_ALL_STREAMS;
        l.hop = TELEM_HOP_USER + (uint32_t)p->told; /* each is told of once, so that the count is the total */
        l.cause = TELEM_CAUSE_FULL;
        l.count = 1u + kit_below(rng, 1000);
        l.text = "";
        if (p->told++ >= 3u) break;
        CHECK_OK(telem_file_write_loss(&p->w, &l));
        CHECK_OK(telem_file_small_loss(&p->small, l.hop, l.cause, l.stream, l.count, l.count));
    }
}

TEST(bytes_are_those_of_the_general_writer) {
    uint64_t rng = kit_seed(1);
    static pair p;
    int k, n = check_quick() ? 60 : 1500;
    for (k = 0; k < n && check_g.bad == 0; k++) {
        uint32_t calm = kit_below(&rng, 5), rows, i, moved = 0;
        kit_pace pace = (kit_pace)kit_below(&rng, KIT_PACES);
        kit_at("session %d", k);
        open_pair(&p, &rng);
        for (rows = kit_below(&rng, 800); rows > 0; rows--) {
            i = kit_below(&rng, p.count);
            if (kit_one_in(&rng, 40)) moved = kit_below(&rng, 3); /* stretches in which nothing changes */
            if (moved) step(&p, i, &rng, calm);
            p.time[i] = kit_step_time(moved == 2 ? KIT_STEADY : pace, p.time[i], &rng);
            CHECK_OK(row_to(&p, i, 1));
            if (kit_one_in(&rng, 100)) other(&p, &rng);
        }
        CHECK_OK(telem_file_writer_close(&p.w));
        CHECK_OK(telem_file_small_close(&p.small));
        CHECK_EQ_INT(p.f.size, p.g.size);
        if (p.f.size == p.g.size) CHECK_MEM(p.f.bytes, p.g.bytes, p.f.size);
        free_pair(&p);
    }
}

/* An io that takes a part of what it is given, or nothing, now and then. */
static uint64_t failing_rng;
static int64_t failing_write(void *user, const void *bytes, size_t n) {
    kit_file *f = (kit_file *)user;
    telem_io whole = kit_io(f);
    uint32_t what = kit_below(&failing_rng, 60);
    if (what == 0) return TELEM_ERR_IO;
    if (what == 1) return 0;
    if (what < 6 && n > 1) n = 1u + kit_below(&failing_rng, (uint32_t)n - 1u);
    return whole.write(user, bytes, n);
}

TEST(an_io_that_fails_costs_rows_that_are_told) {
    uint64_t rng = kit_seed(2);
    static pair p;
    uint64_t failed = 0, missing = 0;
    int k, n = check_quick() ? 40 : 600;
    for (k = 0; k < n && check_g.bad == 0; k++) {
        uint32_t calm = kit_below(&rng, 5), rows, i, lost = 0;
        kit_pace pace = (kit_pace)kit_below(&rng, KIT_PACES);
        kit_reader r;
        kit_at("session %d", k);
        open_pair(&p, &rng);
        failing_rng = check_rand(&rng);
        p.small_io.write = failing_write;
        for (rows = kit_below(&rng, 1500); rows > 0; rows--) {
            i = kit_below(&rng, p.count);
            if (!kit_one_in(&rng, 4)) step(&p, i, &rng, calm);
            p.time[i] = kit_step_time(pace, p.time[i], &rng);
            failed += row_to(&p, i, 0) != TELEM_OK;
        }
        p.small_io = kit_io(&p.g);
        CHECK_OK(telem_file_small_close(&p.small));
        p.f.size = 0;
        CHECK_OK(kit_read_memory(&r, &p.f, p.g.bytes, p.g.size, READER_MEMORY));
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        kit_check_account(&p.f);
        for (i = 0; i < p.count; i++) lost += p.ss[i].lost;
        missing += kit_missing(&p.f);
        if (kit_missing(&p.f) < lost) kit_fail("%u rows were lost, %u are told", (unsigned)lost, (unsigned)kit_missing(&p.f));
        kit_reader_end(&r);
        (void)telem_file_writer_close(&p.w);
        free_pair(&p);
    }
    CHECK(failed > 0 && missing > 0);
}

TEST(a_schema_is_printed_as_c) {
    static uint32_t memory[256];
    telem_file_encoded e;
    const char *at;
    uint8_t bytes[512];
    int64_t n = telem_file_small_encode(&Wide_schema, NULL, 0, &e, memory, sizeof memory);
    REQUIRE(n > 0);
    printed[0] = 0;
    telem_file_small_print(&e, "Wide_encoded", print, NULL);
    CHECK_EQ_INT(bytes_of(printed, bytes), e.payload_size);
    CHECK_MEM(bytes, e.payload, e.payload_size);
    at = strstr(printed, "static const telem_file_run Wide_encoded_runs[]");
    CHECK(at != NULL && strncmp(strchr(at, '='), "= {{0, 0, 100, 12, 4, 0, 0}, {400, 400, 37, 3, 2, 0, 0}, {476, 474, 1, 4, 4, 1, 0}};\n", 80) == 0);
    CHECK(strstr(printed, "static const telem_file_encoded Wide_encoded = {Wide_encoded_payload, Wide_encoded_runs, ") != NULL);
}

#define TEXT_TABLE(F) F(STRING, text, 9, "")
TELEM_DEFINE(Text, TEXT_TABLE, "");
#define OPT_TABLE(F) F(OPT, i8, o, "", "")
TELEM_DEFINE(Opt, OPT_TABLE, "");
TEST(texts_and_optional_fields_are_refused) {
    telem_file_encoded e;
    CHECK_EQ_INT(telem_file_small_encode(&Text_schema, NULL, 0, &e, NULL, 0), TELEM_ERR_UNSUPPORTED);
    CHECK_EQ_INT(telem_file_small_encode(&Opt_schema, NULL, 0, &e, NULL, 0), TELEM_ERR_UNSUPPORTED);
    CHECK_EQ_INT(telem_file_small_encode(NULL, NULL, 0, &e, NULL, 0), TELEM_ERR_ARG);
}

/* The end block of all streams goes through the first one's block. */
TEST(streams_that_no_end_block_could_hold_are_refused) {
    static uint64_t memory[20][200];
    static telem_file_small_stream s[20];
    static telem_file_small_stream_desc d[20];
    static uint32_t encoding[256];
    telem_file_small_desc wd = TELEM_ZERO;
    telem_file_small w;
    telem_file_encoded e;
    kit_file f;
    kit_reader r;
    telem_io io;
    telem_file_item item;
    uint32_t i, taken = 0;
    memset(&f, 0, sizeof f);
    f.session = 5;
    io = kit_io(&f);
    wd.io = &io;
    wd.max_streams = 20;
    REQUIRE(telem_file_small_encode(&Decimal_schema, NULL, 0, &e, encoding, sizeof encoding) > 0);
    CHECK_OK(telem_file_small_open(&w, &wd, 5));
    for (i = 0; i < 20; i++) {
        telem_result a;
        d[i].schema = &e;
        d[i].id = UINT32_MAX - 1u - i;
        d[i].memory = memory[i];
        CHECK(telem_file_small_bytes(&d[i]) <= sizeof memory[i]);
        a = telem_file_small_add(&w, &s[i], &d[i]);
        CHECK(a == TELEM_OK || (i >= 17 && a == TELEM_ERR_LIMIT));
        taken += a == TELEM_OK;
    }
    CHECK_EQ_INT(taken, 17);
    CHECK_OK(telem_file_small_close(&w));
    CHECK_OK(kit_read_memory(&r, &f, f.bytes, f.size, READER_MEMORY));
    while (telem_file_next(&r.r, &item) == TELEM_OK) {}
    CHECK(telem_file_reader_ended(&r.r));
    kit_reader_end(&r);
    kit_free_file(&f);
}

TEST(the_small_hash_is_xxh32) {
    uint64_t rng = kit_seed(3);
    uint8_t bytes[200];
    uint32_t i, n, seed;
    for (i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(check_rand(&rng) >> 40);
    for (n = 0; n <= sizeof bytes; n++) {
        seed = (uint32_t)(check_rand(&rng) >> 32);
        CHECK_EQ_INT(telem_i_small_xxh32(bytes, n, seed), XXH32(bytes, n, seed));
        CHECK_EQ_INT(telem_i_small_xxh32(bytes + 1, n ? n - 1u : 0, seed), XXH32(bytes + 1, n ? n - 1u : 0, seed));
    }
}

int main(void) {
    RUN(the_small_hash_is_xxh32);
    RUN(bytes_are_those_of_the_general_writer);
    RUN(an_io_that_fails_costs_rows_that_are_told);
    RUN(a_schema_is_printed_as_c);
    RUN(texts_and_optional_fields_are_refused);
    RUN(streams_that_no_end_block_could_hold_are_refused);
    return CHECK_MAIN_END();
}
