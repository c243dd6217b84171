/* test_small_writer.c - telem_file_small: the bytes of telem_file_writer for the same rows, settings and calls; an io that
   fails; what is refused; the printed schema. UNIT: linked */
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
        if (with_clock) { /* ticks are ns, but that is not asked */
            if (!z->key_every) z->key_every = 5000000000u;
            if (!z->max_age) z->max_age = 100000000u;
            if (!z->announce_every) z->announce_every = 5000000000u;
        }
        z->memory_size = telem_file_small_bytes(z); /* just so much must do */
        z->memory = kit_alloc(z->memory_size);
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

/* An io that takes a part of what it is given, or nothing, now and then; or not the calls [from, to). */
static struct {
    uint64_t rng, calls, from, to;
    kit_file *f;
} failing;
static int64_t failing_write(void *user, const void *bytes, size_t n) {
    uint32_t what = failing.rng ? kit_below(&failing.rng, 60) : 100;
    uint64_t call = failing.calls++;
    (void)user;
    if (call >= failing.from && call < failing.to) return TELEM_ERR_IO;
    if (what == 0) return TELEM_ERR_IO;
    if (what == 1) return 0;
    if (what < 6 && n > 1) n = 1u + kit_below(&failing.rng, (uint32_t)n - 1u);
    return kit_grow_write(failing.f, bytes, n);
}

/* Reads what came out. Each row of each stream is delivered, or told: as missing, or by loss blocks (a reader takes what
   is missing before the first row for a late join). Returns the rows not delivered. */
static uint64_t check_told(kit_file *f, const uint8_t *bytes, size_t size) {
    static kit_reader r;
    telem_file_item item;
    uint64_t told[KIT_STREAMS], gone = 0;
    telem_result e;
    uint32_t i;
    int finished = 0;
    memset(told, 0, sizeof told);
    CHECK_OK(kit_read_memory(&r, f, bytes, size, READER_MEMORY));
    while ((e = telem_file_next(&r.r, &item)) == TELEM_OK || !finished) {
        if (e == TELEM_END) {
            finished = 1;
            CHECK_OK(telem_file_reader_finish(&r.r));
            continue;
        }
        if (e != TELEM_OK) break;
        kit_take(&r, &item);
        for (i = 0; item.kind == TELEM_ITEM_LOSS && i < f->count; i++)
            if (item.loss.stream == f->s[i].id && item.loss.hop == TELEM_HOP_WRITER) told[i] += item.loss.count;
    }
    CHECK_EQ_INT(e, TELEM_END);
    CHECK(telem_file_reader_ended(&r.r));
    for (i = 0; i < f->count; i++) {
        uint64_t not_here = f->s[i].n - f->s[i].delivered;
        if (not_here && f->s[i].missing != not_here && told[i] != not_here)
            kit_fail("stream %u: %u of %u rows are not here, %u missing, %u told", (unsigned)i, (unsigned)not_here, (unsigned)f->s[i].n, (unsigned)f->s[i].missing, (unsigned)told[i]);
        gone += not_here;
    }
    kit_reader_end(&r);
    return gone;
}

TEST(an_io_that_fails_costs_rows_that_are_told) {
    uint64_t rng = kit_seed(2);
    static pair p;
    uint64_t failed = 0, gone = 0, all = 0;
    int k, n = check_quick() ? 60 : 800;
    for (k = 0; k < n && check_g.bad == 0; k++) {
        uint32_t calm = kit_below(&rng, 5), rows, i, tries;
        kit_pace pace = (kit_pace)kit_below(&rng, KIT_PACES);
        kit_at("session %d", k);
        open_pair(&p, &rng);
        memset(&failing, 0, sizeof failing);
        failing.f = &p.g;
        if (kit_one_in(&rng, 2)) failing.rng = check_rand(&rng);
        else failing.from = kit_below(&rng, 200), failing.to = failing.from + 1u + kit_below(&rng, kit_one_in(&rng, 3) ? 100 : 4);
        p.small_io.write = failing_write;
        for (rows = kit_below(&rng, 1500); rows > 0; rows--) {
            i = kit_below(&rng, p.count);
            if (!kit_one_in(&rng, 4)) step(&p, i, &rng, calm);
            p.time[i] = kit_step_time(pace, p.time[i], &rng);
            failed += row_to(&p, i, 0) != TELEM_OK;
            all++;
            if (kit_one_in(&rng, 50)) (void)telem_file_small_flush(&p.small);
            if (kit_one_in(&rng, 50)) (void)telem_file_small_poll(&p.small, p.time[i]);
        }
        for (tries = 0; tries < 100 && telem_file_small_close(&p.small) != TELEM_OK; tries++) {}
        CHECK(tries < 100);
        p.f.size = 0;
        gone += check_told(&p.f, p.g.bytes, p.g.size);
        (void)telem_file_writer_close(&p.w);
        free_pair(&p);
    }
    CHECK(failed > 0 && gone > 0 && gone < all / 2u);
}

#define IM_TABLE(F) F(FIELD, u32, a, "", "") F(FIELD, f32, b, "", "")
TELEM_DEFINE(Im, IM_TABLE, "");

/* A session of `streams` small streams with `rows` rows each of ms; the calls [from, to) of the io fail. */
typedef struct session {
    kit_file f;
    telem_file_small w;
    telem_file_small_desc wd;
    telem_file_small_stream s[2];
    telem_file_small_stream_desc d[2];
    telem_file_encoded e[2];
    telem_io io;
    uint64_t memory[2][400];
    uint32_t encoding[2][128];
    uint64_t errors;
} session;
static void begin(session *z, uint32_t streams, uint8_t coding, uint64_t from, uint64_t to) {
    uint32_t i;
    memset(z, 0, sizeof *z);
    memset(&failing, 0, sizeof failing);
    failing.f = &z->f;
    failing.from = from, failing.to = to;
    z->f.session = 5;
    z->io.write = failing_write;
    z->wd.io = &z->io;
    z->errors += telem_file_small_open(&z->w, &z->wd, 5) != TELEM_OK;
    for (i = 0; i < streams; i++) {
        (void)kit_add(&z->f, i, &Im_schema, 0);
        CHECK(telem_file_small_encode(&Im_schema, z->f.s[i].name, 0, &z->e[i], z->encoding[i], sizeof z->encoding[i]) > 0);
        z->d[i].schema = &z->e[i];
        z->d[i].id = i;
        z->d[i].coding = coding;
        z->d[i].memory = z->memory[i];
        z->d[i].memory_size = sizeof z->memory[i];
        z->d[i].announce_every = 50000000u;
    }
}
static void add(session *z) {
    uint32_t i;
    for (i = 0; i < z->f.count; i++) z->errors += telem_file_small_add(&z->w, &z->s[i], &z->d[i]) != TELEM_OK;
}
static void rows(session *z, uint32_t n, int quiet) {
    uint32_t i, k;
    Im v = TELEM_ZERO;
    uint8_t row[8];
    for (k = 0; k < n; k++) {
        if (!quiet) v.a += k * 77u, v.b = (float)k * 1.1f;
        CHECK_OK(telem_schema_pack(&Im_schema, &v, row));
        for (i = 0; i < z->f.count; i++) {
            kit_note_row(&z->f.s[i], (int64_t)k * 1000000, row);
            z->errors += telem_file_small_write(&z->w, &z->s[i], (int64_t)k * 1000000, &v) != TELEM_OK;
        }
    }
}
static uint64_t end(session *z) {
    uint32_t tries;
    uint64_t gone;
    for (tries = 0; tries < 9 && telem_file_small_close(&z->w) != TELEM_OK; tries++) z->errors++;
    CHECK(tries < 9);
    gone = check_told(&z->f, z->f.bytes, z->f.size);
    kit_free_file(&z->f);
    return gone;
}

/* A line that is down holds no call up for longer than two blocks, and is told in full when it is back. */
typedef struct { kit_file *f; int down; uint32_t calls; } line;
static int64_t line_write(void *user, const void *p, size_t n) {
    line *l = (line *)user;
    l->calls++;
    return l->down ? TELEM_ERR_IO : kit_grow_write(l->f, p, n);
}
TEST(a_line_that_is_down_costs_two_calls_a_write) {
    static uint32_t encoded[256];
    static uint64_t memory[1024];
    uint32_t rows;
    int idle;
    for (rows = 4; rows <= 32; rows *= 2)
        for (idle = 0; idle < 2; idle++) {
            kit_file f = TELEM_ZERO;
            line l = TELEM_ZERO;
            telem_io io = TELEM_ZERO;
            telem_file_encoded e;
            telem_file_small w;
            telem_file_small_stream s = TELEM_ZERO;
            telem_file_small_desc wd = TELEM_ZERO;
            telem_file_small_stream_desc d = TELEM_ZERO;
            Im im = TELEM_ZERO;
            int64_t i;
            uint32_t before, all, worst = 0;
            l.f = &f, io.user = &l, io.write = line_write, wd.io = &io;
            REQUIRE(telem_file_small_encode(&Im_schema, NULL, 0, &e, encoded, sizeof encoded) > 0);
            d.schema = &e, d.id = 1, d.coding = TELEM_FILE_MINI, d.block_rows = rows, d.memory = memory, d.memory_size = sizeof memory;
            d.max_age = d.key_every = d.announce_every = UINT64_MAX;
            CHECK_OK(telem_file_small_open(&w, &wd, 1));
            CHECK_OK(telem_file_small_add(&w, &s, &d));
            for (i = 0; i < 1000; i++) {
                l.down = i >= 100 && i < 900;
                if (!idle) im.a = (uint32_t)i * 7919u, im.b = (float)i * 0.37f;
                before = l.calls;
                (void)telem_file_small_write(&w, &s, i * 1000, &im);
                if (l.down && l.calls - before > worst) worst = l.calls - before;
            }
            all = telem_file_small_lost(&s);
            if (idle) CHECK(worst == 0 && all == 0); /* a run; it lasts */
            else CHECK(worst <= 2 && all >= 800 - rows && all <= 800 + rows);
            CHECK_OK(telem_file_small_flush(&w));
            CHECK_EQ_INT(telem_file_small_lost(&s), all);
            CHECK_OK(telem_file_small_close(&w));
            kit_free_file(&f);
        }
}

/* Each call of the io fails once, those of the open, of add and of the close as well: no more than one block is lost. */
TEST(one_call_that_fails_costs_one_block) {
    static session z;
    uint32_t coding, k, before;
    for (coding = TELEM_FILE_ROWS; coding <= TELEM_FILE_MINI; coding += 2) {
        for (k = 0; check_g.bad == 0; k++) {
            kit_at("coding %u, call %u", (unsigned)coding, (unsigned)k);
            begin(&z, 2, (uint8_t)coding, k, k + 1u);
            add(&z);
            rows(&z, 400, 0);
            before = (uint32_t)failing.calls;
            CHECK_EQ_INT(z.errors, before > k);
            CHECK(end(&z) <= 80); /* 512 bytes of these rows */
            if (failing.calls <= k) break;
        }
        CHECK(k > 30);
    }
}

TEST(an_add_is_tried_again) {
    static session z;
    begin(&z, 1, TELEM_FILE_ROWS, 1, 3);
    CHECK_EQ_INT(telem_file_small_add(&z.w, &z.s[0], &z.d[0]), TELEM_ERR_IO);
    CHECK_EQ_INT(telem_file_small_add(&z.w, &z.s[0], &z.d[0]), TELEM_ERR_IO);
    CHECK_OK(telem_file_small_add(&z.w, &z.s[0], &z.d[0]));
    CHECK_OK(telem_file_small_add(&z.w, &z.s[0], &z.d[0]));
    rows(&z, 100, 0);
    CHECK_EQ_INT(end(&z), 0);
}

static uint32_t headers(const kit_file *f) {
    static const uint8_t magic[4] = {0x89, 0x54, 0x4C, 0x4D};
    uint32_t n = 0;
    size_t i;
    for (i = 0; i + 4u < f->size; i++) n += memcmp(f->bytes + i, magic, 4) == 0;
    return n;
}

/* Rows that join an idle run are announced in time, by both writers; also when the clock was set back. */
TEST(an_idle_stream_is_announced) {
    static session z;
    telem_file_writer w;
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc sd = TELEM_ZERO;
    static uint64_t memory[1000];
    Im v = TELEM_ZERO;
    kit_file g;
    telem_io io;
    uint32_t k;
    int64_t time;
    memset(&g, 0, sizeof g);
    io = kit_io(&g);
    begin(&z, 1, TELEM_FILE_MINI, UINT64_MAX, 0);
    z.d[0].announce_every = 500000000u;
    z.d[0].key_every = 6000000000u;
    z.d[0].max_age = 1000000000u;
    add(&z);
    d.io = &io;
    d.memory = memory;
    d.memory_size = sizeof memory;
    d.session = 5;
    d.profile = TELEM_FILE_WIRE;
    d.coding = TELEM_FILE_MINI;
    d.announce_ns = 500000000u;
    d.key_ns = 6000000000u;
    d.max_age_ns = 1000000000u;
    sd.schema = &Im_schema;
    sd.name = z.f.s[0].name;
    REQUIRE_OK(telem_file_writer_open(&w, &d));
    CHECK_OK(telem_file_add_stream(&w, &sd));
    for (k = 0; k < 20000; k++) { /* in the middle the clock is set back an hour */
        time = (int64_t)k * 1000000 + (k < 10000 ? 3600000000000 : 0);
        CHECK_OK(telem_file_small_write(&z.w, &z.s[0], time, &v));
        CHECK_OK(telem_file_write(&w, 0, time, &v));
    }
    CHECK_OK(telem_file_small_close(&z.w));
    CHECK_OK(telem_file_writer_close(&w));
    CHECK(headers(&z.f) >= 37 && headers(&z.f) <= 42);
    CHECK_EQ_INT(headers(&g), headers(&z.f));
    CHECK_EQ_INT(g.size, z.f.size);
    kit_free_file(&z.f);
    kit_free_file(&g);
}

/* What no reader could read is refused. */
static telem_result add_with(session *z, uint32_t i) {
    return telem_file_small_add(&z->w, &z->s[i], &z->d[i]);
}
TEST(what_could_not_be_read_is_refused) {
    static session z;
    telem_file_small_stream_desc good;
    begin(&z, 2, TELEM_FILE_MINI, UINT64_MAX, 0);
    good = z.d[0];
#define REFUSED(change, answer) (z.d[0] = good, change, CHECK_EQ_INT(add_with(&z, 0), answer))
    REFUSED(z.d[0].block_rows = 33, TELEM_ERR_LIMIT);
    {
        Im none = TELEM_ZERO;
        CHECK_EQ_INT(telem_file_small_write(&z.w, &z.s[0], 1, &none), TELEM_ERR_STATE);
    }
    REFUSED(z.d[0].coding = TELEM_FILE_COLUMNS, TELEM_ERR_UNSUPPORTED);
    REFUSED(z.d[0].coding = 9, TELEM_ERR_UNSUPPORTED);
    REFUSED((z.d[0].coding = TELEM_FILE_ROWS, z.d[0].block_rows = 1048577), TELEM_ERR_LIMIT);
    REFUSED(z.d[0].id = TELEM_ALL_STREAMS, TELEM_ERR_ARG);
    REFUSED(z.d[0].memory = NULL, TELEM_ERR_ARG);
    REFUSED(z.d[0].memory = (uint8_t *)z.memory[0] + 4, TELEM_ERR_ARG);
    REFUSED(z.d[0].memory_size = telem_file_small_bytes(&good) - 1u, TELEM_ERR_MEMORY);
    REFUSED(z.d[0].block_bytes = 4096 - 255, TELEM_ERR_LIMIT);
    z.wd.max_row = 7;
    REFUSED((void)0, TELEM_ERR_LIMIT);
    z.wd.max_row = 8;
    z.wd.max_block = 700;
    z.wd.clock = z.e[0].payload;
    REFUSED((z.d[0].block_bytes = 100, z.d[0].key_every = z.d[0].max_age = 0), TELEM_ERR_ARG);
    z.wd.clock = NULL;
    z.d[0] = good;
    z.d[0].block_bytes = 100;
    CHECK_OK(add_with(&z, 0));
    z.d[1].block_bytes = 100;
    z.d[1].id = 0;
    CHECK_EQ_INT(add_with(&z, 1), TELEM_ERR_EXISTS);
    z.d[1].id = 1;
    z.d[1].schema = z.d[0].schema;
    CHECK_EQ_INT(add_with(&z, 1), TELEM_ERR_EXISTS);
    z.d[1].schema = &z.e[1];
    z.wd.max_streams = 1;
    CHECK_EQ_INT(add_with(&z, 1), TELEM_ERR_LIMIT);
    z.wd.max_streams = 2;
    CHECK_OK(add_with(&z, 1));
    CHECK_OK(telem_file_small_close(&z.w));
    kit_free_file(&z.f);
}

TEST(a_struct_that_is_another_is_seen) {
    static uint32_t memory[256];
    telem_file_encoded e;
    telem_clock clock = TELEM_ZERO;
    char name[301];
    REQUIRE(telem_file_small_encode(&Im_schema, NULL, 0, &e, memory, sizeof memory) > 0);
    CHECK_EQ_INT(e.struct_size, sizeof(Im));
    printed[0] = 0;
    telem_file_small_print(&e, &Im_schema, "X", print, NULL);
    CHECK(strstr(printed, "#define X_FITS(T) (sizeof(T) == 8 && \\\n    offsetof(T, a) == 0 && sizeof(((T *)0)->a) == 4 && TELEM_I_IS_KIND(T, a, 0, 0) && \\\n    offsetof(T, b) == 4 && sizeof(((T *)0)->b) == 4 && TELEM_I_IS_KIND(T, b, 1, 1))\n") != NULL);
    CHECK(TELEM_I_IS_KIND(Im, a, 0, 0) && TELEM_I_IS_KIND(Im, b, 1, 1));
#if defined(__GNUC__)
    CHECK(!TELEM_I_IS_KIND(Im, a, 0, 1) && !TELEM_I_IS_KIND(Im, a, 1, 1) && !TELEM_I_IS_KIND(Im, b, 0, 0) && !TELEM_I_IS_KIND(Im, b, 0, 1));
#endif
    CHECK(strstr(printed, "enum { X_row = 8 };\nenum { X_columns = 2 };\n") != NULL);
    memset(name, 'n', 300);
    name[300] = 0;
    CHECK_EQ_INT(telem_file_small_encode(&Im_schema, name, 0, &e, memory, sizeof memory), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_small_encode(&Im_schema, "", 0, &e, memory, sizeof memory), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_small_print_clock(&clock, "c", 1, name, print, NULL), TELEM_ERR_ARG);
    CHECK_OK(telem_file_small_print_clock(&clock, "c", 1, NULL, print, NULL));
}

/* The constants for static memory are what is needed, or a little more. */
TEST(memory_is_known_at_compile_time) {
    enum { X_row = 8, X_columns = 2, X_worst = 55 };
    static uint32_t memory[256];
    telem_file_encoded e;
    telem_file_small_stream_desc d = TELEM_ZERO;
    uint32_t b;
    REQUIRE(telem_file_small_encode(&Im_schema, NULL, 0, &e, memory, sizeof memory) > 0);
    CHECK_EQ_INT(e.worst, X_worst);
    d.schema = &e;
    for (b = 10; b < 3000; b += 37) {
        d.block_bytes = b;
        d.coding = TELEM_FILE_ROWS;
        CHECK_EQ_INT(TELEM_FILE_SMALL_ROWS_BYTES(X, b), telem_file_small_bytes(&d));
        d.coding = TELEM_FILE_MINI;
        d.block_rows = 1u + b % 32u;
        CHECK(TELEM_FILE_SMALL_MINI_BYTES(X, b, d.block_rows) >= telem_file_small_bytes(&d));
        CHECK(TELEM_FILE_SMALL_MINI_BYTES(X, b, d.block_rows) <= telem_file_small_bytes(&d) + 48u);
    }
}

TEST(a_schema_is_printed_as_c) {
    static uint32_t memory[256];
    telem_file_encoded e;
    const char *at;
    uint8_t bytes[512];
    int64_t n = telem_file_small_encode(&Wide_schema, NULL, 0, &e, memory, sizeof memory);
    REQUIRE(n > 0);
    printed[0] = 0;
    telem_file_small_print(&e, &Wide_schema, "Wide_encoded", print, NULL);
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
    static uint32_t encoding[20][256];
    static telem_file_encoded e[20];
    telem_file_small_desc wd = TELEM_ZERO;
    telem_file_small w;
    char name[16];
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
    CHECK_OK(telem_file_small_open(&w, &wd, 5));
    for (i = 0; i < 20; i++) {
        telem_result a;
        snprintf(name, sizeof name, "s%u", (unsigned)i);
        REQUIRE(telem_file_small_encode(&Decimal_schema, name, 0, &e[i], encoding[i], sizeof encoding[i]) > 0);
        d[i].schema = &e[i];
        d[i].memory_size = sizeof memory[i];
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

int main(void) {
    RUN(bytes_are_those_of_the_general_writer);
    RUN(an_io_that_fails_costs_rows_that_are_told);
    RUN(a_line_that_is_down_costs_two_calls_a_write);
    RUN(one_call_that_fails_costs_one_block);
    RUN(an_add_is_tried_again);
    RUN(an_idle_stream_is_announced);
    RUN(what_could_not_be_read_is_refused);
    RUN(a_struct_that_is_another_is_seen);
    RUN(memory_is_known_at_compile_time);
    RUN(a_schema_is_printed_as_c);
    RUN(texts_and_optional_fields_are_refused);
    RUN(streams_that_no_end_block_could_hold_are_refused);
    return CHECK_MAIN_END();
}
