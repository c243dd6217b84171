/* test_columns_golden.c - kept files with columns blocks (golden/columns-*.tlm) hold the same rows as their twins
   in rows coding (golden/rows-*.tlm), on every machine and in every later version. GOLDEN_WRITE=name makes the
   pair of that name anew: only when the format is meant to change. The files must hold every codec of section 8 but LZ4 (its
   bytes depend on a library).  UNIT: linked */
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include "file_kit.h"

#define MEMORY (16u << 20)

/* --- making them --- */

typedef struct maker {
    telem_schema_builder b;
    uint8_t memory[65536];
    const telem_schema *schema;
    uint8_t how[300]; /* what each field holds */
    uint32_t fields;
} maker;

enum { STEP, NOISE, RARE, LAG, LATTICE, FEW, DECIMAL, RATIO, POWER, SCALED, WALK, NARROW, ODD, WORDS, TEMPLATE, LINES, SOURCE, BY_SOURCE, FLAG, SAME, BIG, BIG_LATTICE, BYTES, LEVELS };

static void add(maker *m, uint8_t type, uint8_t how, uint32_t size, uint8_t flags) {
    telem_field f = TELEM_ZERO;
    char name[16];
    snprintf(name, sizeof name, "f%u", (unsigned)m->fields);
    f.name = name;
    f.type = type;
    f.size = size;
    f.flags = flags;
    m->how[m->fields++] = how;
    if (telem_schema_builder_add(&m->b, &f) != TELEM_OK) abort();
}

static double number(uint8_t how, uint32_t i, uint64_t *rng, double before) {
    switch (how) {
    case DECIMAL: return (double)(int32_t)(kit_below(rng, 4000) + 10u * i) / 100.0;
    case RATIO: return (double)(int32_t)(kit_below(rng, 900) + i) / 3.0;
    case POWER: return (double)(int32_t)(kit_below(rng, 900) - 450u) / 1024.0;
    case SCALED: return (double)(int32_t)(kit_below(rng, 900) - 450u) * 0.00274658203125017;
    case NARROW: return (double)(float)((double)kit_below(rng, 1u << 20) * 0.7301);
    case ODD: return kit_one_in(rng, 40) ? (double)kit_below(rng, 1u << 30) * 1e-7 : (double)kit_below(rng, 100) / 10.0;
    case FEW: return 1.5 + 3.25 * (double)kit_below(rng, 3) * (double)kit_below(rng, 7);
    case SAME: return 7.75;
    case LEVELS:
        for (before = 1.1, i = kit_below(rng, 14) + kit_below(rng, 3); i; i--) before *= 1.3791937;
        return before;
    default: return before + ((double)kit_below(rng, 1u << 16) - 32768.0) * 1.1e-3;
    }
}

static uint64_t source_now[256];

static uint64_t integer(uint8_t how, uint32_t i, uint64_t *rng, uint64_t before) {
    uint64_t *of = source_now;
    uint32_t s = (uint32_t)(before & 255u);
    switch (how) {
    case NOISE: return check_rand(rng);
    case RARE: return kit_one_in(rng, 50) ? kit_below(rng, 3000) : 12;
    case LAG: return i % 7u * 1000u + kit_below(rng, 3);
    case LATTICE: return 5u + 1000u * (uint64_t)(kit_below(rng, 300) + i);
    case FEW: return (uint64_t)kit_below(rng, 5) * kit_below(rng, 4) * 77u;
    case SOURCE: return kit_below(rng, 200);
    case BY_SOURCE: return of[s] += of[s] ? 3u + kit_below(rng, 3) : kit_below(rng, 1000000000);
    case FLAG: return (uint64_t)(kit_below(rng, 9) == 0);
    case SAME: return 99;
    case BIG: return before + (check_rand(rng) >> 26);
    case BIG_LATTICE: return 7u + 1000003u * (check_rand(rng) >> 28);
    case BYTES: return (uint64_t)kit_below(rng, 3) | (uint64_t)kit_below(rng, 200) << 8 | (uint64_t)(i & 255u) << 24 | (uint64_t)kit_below(rng, 2) << 48 | (uint64_t)kit_below(rng, 40) << 56;
    default: return before + kit_below(rng, 9);
    }
}

static void text(uint8_t how, uint32_t i, uint64_t *rng, char *out, size_t cap) {
    static const char *const words[] = {"idle", "armed", "takeoff", "hover", "return to home", "land"};
    switch (how) {
    case TEMPLATE: snprintf(out, cap, "10.0.%u.%u:%04u", (unsigned)kit_below(rng, 4), (unsigned)kit_below(rng, 200), (unsigned)(i % 10000u)); break;
    case LINES: snprintf(out, cap, "GET /%s/%u.html status=%u", words[kit_below(rng, 6)], (unsigned)kit_below(rng, 5000), 200u + 4u * kit_below(rng, 3)); break;
    case NOISE:
        for (i = 0; i + 1u < cap; i++) out[i] = (char)(1u + kit_below(rng, 255));
        out[i] = 0;
        break;
    default: snprintf(out, cap, "%s", words[kit_below(rng, 6) * kit_below(rng, 2)]); break;
    }
}

static void fill(const maker *m, uint8_t *row, uint32_t i, uint64_t *rng) {
    telem_columns it;
    telem_column c;
    uint64_t source = 0;
    for (telem_columns_begin(&it, m->schema); telem_columns_next(&it, &c);) {
        uint8_t *p = row + c.row;
        uint8_t how = m->how[c.field - m->schema->fields];
        if (c.presence) {
            *p = !kit_one_in(rng, 4);
        } else if (c.type >= TELEM_CHARS) {
            char s[64];
            uint32_t n, v = c.type == TELEM_STRING || c.type == TELEM_BLOB ? 4u : 0u, most = c.width - v;
            text(how, i, rng, s, sizeof s);
            n = (uint32_t)strlen(s) < most ? (uint32_t)strlen(s) : most;
            memset(p, 0, c.width);
            if (v) telem_put32(p, n);
            memcpy(p + v, s, n);
        } else if (c.type == TELEM_F64) {
            double d;
            uint64_t bits = kit_load(p, 8);
            memcpy(&d, &bits, 8);
            d = number(how, i, rng, d);
            memcpy(&bits, &d, 8);
            if (how == NOISE) bits = check_rand(rng);
            kit_store(p, 8, bits);
        } else if (c.type == TELEM_F32) {
            float f;
            uint32_t bits = telem_get32(p);
            memcpy(&f, &bits, 4);
            f = (float)number(how, i, rng, (double)f);
            memcpy(&bits, &f, 4);
            telem_put32(p, bits);
        } else {
            uint64_t v = integer(how, i, rng, how == BY_SOURCE ? source : kit_load(p, c.width));
            if (c.type == TELEM_BOOL) v &= 1u;
            kit_store(p, c.width, v);
            if (how == SOURCE) source = v;
        }
    }
    for (telem_columns_begin(&it, m->schema); telem_columns_next(&it, &c);)
        if (c.presence && row[c.row] == 0) memset(row + c.row + 1, 0, c.covers);
}

static void fields(maker *m, const char *name) {
    static const uint8_t ints[] = {STEP, NOISE, RARE, LAG, LATTICE, FEW, SAME};
    static const uint8_t reals[] = {DECIMAL, RATIO, POWER, SCALED, WALK, ODD, FEW, NARROW, SAME, LEVELS};
    uint32_t i;
    memset(m, 0, sizeof *m);
    if (telem_schema_builder_init(&m->b, m->memory, sizeof m->memory, name, "") != TELEM_OK) abort();
    if (strcmp(name, "integers") == 0) {
        for (i = 0; i < sizeof ints; i++) add(m, (uint8_t)(TELEM_U8 + i), ints[i], 0, 0);
        for (i = 0; i < sizeof ints; i++) add(m, (uint8_t)(TELEM_I64 - i), ints[i], 0, 0);
        for (i = BIG; i <= BYTES; i++) add(m, TELEM_U64, (uint8_t)i, 0, 0);
        add(m, TELEM_U16, STEP, 0, TELEM_COUNTER);
        add(m, TELEM_BOOL, FLAG, 0, 0);
        add(m, TELEM_F16, STEP, 0, 0);
        add(m, TELEM_BF16, FEW, 0, 0);
    } else if (strcmp(name, "reals") == 0) {
        for (i = 0; i < sizeof reals; i++) add(m, TELEM_F64, reals[i], 0, 0);
        for (i = 0; i < sizeof reals; i++) add(m, TELEM_F32, reals[i], 0, 0);
        add(m, TELEM_F64, NOISE, 0, 0);
    } else if (strcmp(name, "texts") == 0) {
        for (i = WORDS; i <= LINES; i++) add(m, TELEM_STRING, (uint8_t)i, 40, 0);
        add(m, TELEM_CHARS, WORDS, 12, 0);
        add(m, TELEM_BYTES, NOISE, 5, 0);
        add(m, TELEM_STRING, SAME, 10, 0);
    } else if (strcmp(name, "sources") == 0) {
        add(m, TELEM_U16, SOURCE, 0, 0);
        add(m, TELEM_U64, BY_SOURCE, 0, 0);
        add(m, TELEM_I32, STEP, 0, 0);
    } else if (strcmp(name, "blocks") == 0) {
        add(m, TELEM_I32, RARE, 0, TELEM_OPTIONAL);
        add(m, TELEM_F32, DECIMAL, 0, 0);
        add(m, TELEM_STRING, WORDS, 20, 0);
        add(m, TELEM_U32, STEP, 0, TELEM_COUNTER);
        add(m, TELEM_F64, SAME, 0, 0);
    } else {
        for (i = 0; i < 200; i++) add(m, (uint8_t)(i % 3 ? TELEM_F32 : TELEM_I32), (uint8_t)(i % 5 == 0 ? SAME : i % 3 ? WALK : STEP), 0, 0);
    }
    if (telem_schema_builder_finish(&m->b, &m->schema) != TELEM_OK) abort();
}

static const char *const names[] = {"integers", "reals", "texts", "sources", "blocks", "wide"};

static void path_of(char *out, size_t cap, const char *kind, const char *name) { snprintf(out, cap, "tests/golden/%s-%s.tlm", kind, name); }

static void make(const char *name, uint8_t coding) {
    static maker m;
    kit_file f;
    kit_writer w;
    telem_file_writer_desc d;
    telem_io io;
    uint64_t rng = 4711;
    uint8_t *row;
    char path[200];
    FILE *out;
    uint32_t i, rows = strcmp(name, "wide") == 0 ? 150 : strcmp(name, "sources") == 0 ? 6000 : 1200;
    memset(&f, 0, sizeof f);
    memset(&d, 0, sizeof d);
    memset(source_now, 0, sizeof source_now);
    fields(&m, name);
    d.coding = coding;
    d.session = 0x676F6C64;
    d.created = 1;
    d.max_age_ns = UINT64_MAX;
    if (strcmp(name, "blocks") == 0) d.block_rows = 100, d.key_bytes = 2000;
    if (strcmp(name, "sources") == 0) d.level = TELEM_FILE_ARCHIVE; /* looks for keys in every first block */
    (void)kit_add(&f, 1, m.schema, 0);
    io = kit_io(&f);
    if (kit_open(&w, &f, &d, &io) != TELEM_OK || kit_add_streams(&w, &f) != TELEM_OK) abort();
    row = (uint8_t *)kit_alloc(f.s[0].row_size);
    memset(row, 0, f.s[0].row_size);
    for (i = 0; i < rows; i++) {
        if (strcmp(name, "blocks") != 0 || i % 4 == 0) fill(&m, row, i, &rng);
        else if (i > 400) kit_store(row + f.s[0].row_size - 12, 4, kit_load(row + f.s[0].row_size - 12, 4) + 1u); /* its counter */
        if (telem_file_write_row(&w.w, 1, 1000 * (int64_t)i + (int64_t)(i % 50 == 0 ? kit_below(&rng, 30) : 0), row) != TELEM_OK) abort();
    }
    if (kit_close(&w) != TELEM_OK) abort();
    path_of(path, sizeof path, coding == TELEM_FILE_COLUMNS ? "columns" : "rows", name);
    out = fopen(path, "wb");
    if (!out || fwrite(f.bytes, 1, f.size, out) != f.size || fclose(out) != 0) abort();
    free(row);
    kit_free_file(&f);
}

/* --- reading them --- */

static uint8_t *load(const char *kind, const char *name, size_t *size) {
    char path[200];
    FILE *f;
    uint8_t *p = (uint8_t *)kit_alloc(1u << 21);
    path_of(path, sizeof path, kind, name);
    f = fopen(path, "rb");
    *size = f ? fread(p, 1, 1u << 21, f) : 0;
    if (f) fclose(f);
    return p;
}

typedef struct half {
    telem_file_reader r;
    telem_file_reader_desc d;
    telem_memory_io m;
    telem_io io;
    uint8_t *bytes;
    size_t size;
} half;

static int half_open(half *h, const char *kind, const char *name) {
    memset(h, 0, sizeof *h);
    h->bytes = load(kind, name, &h->size);
    h->io = telem_io_memory_view(&h->m, h->bytes, h->size);
    h->d.io = &h->io;
    h->d.memory = kit_alloc(MEMORY);
    h->d.memory_size = MEMORY;
    return telem_file_reader_open(&h->r, &h->d) == TELEM_OK;
}

static void half_close(half *h) {
    free(h->bytes);
    free(h->d.memory);
}

static int next_row(half *h, telem_file_item *item) {
    while (telem_file_next(&h->r, item) == TELEM_OK) {
        if (item->kind == TELEM_ITEM_ROW) return 1;
        if (item->kind == TELEM_ITEM_DAMAGE || item->kind == TELEM_ITEM_MISSING) kit_fail("damage: %s", item->error.what);
    }
    return 0;
}

static uint64_t codecs_seen, forms_seen;

/* Which codecs the blocks of a file have. */
static void see_codecs(const half *h) {
    kit_block blocks[600];
    size_t n = kit_blocks(h->bytes, h->size, blocks, 600), i;
    uint32_t columns = 0;
    telem_file_stream *s = telem_file_reader_stream((telem_file_reader *)(uintptr_t)&h->r, 0);
    for (i = 0; i < n; i++) {
        telem_columns it;
        telem_column c;
        uint32_t presences = 0;
        const uint8_t *p = h->bytes + blocks[i].offset + blocks[i].payload;
        if ((blocks[i].kind & 0x1F) != TELEM_BLOCK_COLUMNS) continue;
        columns = 2u + telem_schema_columns(s->schema);
        for (telem_columns_begin(&it, s->schema); telem_columns_next(&it, &c);) presences += c.presence;
        if (presences) continue; /* ALL_PRESENT leaves them out; these files add nothing here */
        if (!peek_codecs(telem_get64(h->bytes + 16), p, (size_t)blocks[i].len, columns, blocks[i].rows, &codecs_seen, &forms_seen)) {
            kit_fail("a head or a section does not parse");
            return;
        }
    }
}

TEST(kept_columns_hold_the_rows_of_their_twins) {
    size_t i;
    static const uint64_t want = (uint64_t)1 << 0 | (uint64_t)1 << 1 | (uint64_t)1 << 2 | (uint64_t)1 << 3 | (uint64_t)1 << 4 | (uint64_t)1 << 5 | (uint64_t)1 << 6 |
                                 (uint64_t)1 << 8 | (uint64_t)1 << 9 | (uint64_t)1 << 11 | (uint64_t)1 << 12 | (uint64_t)1 << 32 | (uint64_t)1 << 33;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        half a, b;
        telem_file_item x, y;
        uint64_t rows = 0;
        int more;
        kit_at("%s", names[i]);
        if (half_open(&a, "columns", names[i]) && half_open(&b, "rows", names[i])) {
            while ((more = next_row(&a, &x)) == next_row(&b, &y) && more) {
                if (x.row != y.row || x.time != y.time || memcmp(x.data, y.data, x.stream->row_size) != 0) kit_fail("row %lu differs", (unsigned long)x.row);
                rows++;
                if (check_g.bad) break;
            }
            CHECK(rows >= 150);
            CHECK(telem_file_reader_ended(&a.r) && telem_file_reader_ended(&b.r));
            see_codecs(&a);
            half_close(&b);
        } else {
            kit_fail("the files are not there (run from the project's folder)");
        }
        half_close(&a);
    }
    if ((codecs_seen & want) != want) kit_fail("codecs seen: %llx", (unsigned long long)codecs_seen);
    CHECK_EQ_INT(forms_seen & 7u, 7); /* indexed, aligned, keys */
}

int main(void) {
    const char *anew = getenv("GOLDEN_WRITE");
    size_t i;
    for (i = 0; anew && i < sizeof names / sizeof *names; i++)
        if (strcmp(anew, names[i]) == 0) {
            make(names[i], TELEM_FILE_COLUMNS);
            make(names[i], TELEM_FILE_ROWS);
        }
    RUN(kept_columns_hold_the_rows_of_their_twins);
    return CHECK_MAIN_END();
}
