/* test_columns.c - the columns coding of telem_file.h through its API: whole columns, many rows and single
   rows go in, rows and columns come out, whatever the schema, the block sizes and the memory.  UNIT: linked */
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include "file_kit.h"

/* --- rows as columns --- */

typedef struct cols {
    uint32_t count;
    telem_file_column *c;
    void **data;
    uint32_t **offsets;
} cols;

static void cols_free(cols *k) {
    uint32_t i;
    for (i = 0; i < k->count; i++) {
        free(k->data[i]);
        free(k->offsets[i]);
    }
    free(k->c);
    free(k->data);
    free(k->offsets);
}

static int is_variable(const telem_column *c) { return c->type == TELEM_STRING || c->type == TELEM_BLOB; }

/* Native bytes of a little-endian value. */
static void to_native(uint8_t *to, const uint8_t *from, uint32_t width) {
    const uint16_t one = 1;
    uint8_t low;
    uint32_t i;
    memcpy(&low, &one, 1);
    for (i = 0; i < width; i++) to[i] = low ? from[i] : from[width - 1u - i];
}

/* Rows [from, from + n) of a stream, each array just as large as it must be. All presence columns that hold only
   1 are left out now and then, which says the same. */
static void cols_make(cols *k, const kit_stream *s, size_t from, size_t n, uint64_t *rng) {
    telem_columns it;
    telem_column c;
    uint32_t e;
    size_t i;
    k->count = telem_schema_columns(s->schema);
    k->c = (telem_file_column *)kit_alloc(k->count * sizeof *k->c);
    k->data = (void **)kit_alloc(k->count * sizeof *k->data);
    k->offsets = (uint32_t **)kit_alloc(k->count * sizeof *k->offsets);
    for (telem_columns_begin(&it, s->schema); telem_columns_next(&it, &c);)
        for (e = 0; e < c.count; e++) {
            uint32_t index = c.index + e, all = 1;
            uint8_t *data;
            size_t total = 0;
            k->offsets[index] = NULL;
            if (is_variable(&c)) {
                uint32_t *at = k->offsets[index] = (uint32_t *)kit_alloc(4 * (n + 1));
                for (i = 0; i < n; i++) total += telem_get32(kit_row(s, from + i) + c.row + (size_t)e * c.width);
                data = (uint8_t *)kit_alloc(total);
                for (total = 0, i = 0; i < n; i++) {
                    const uint8_t *p = kit_row(s, from + i) + c.row + (size_t)e * c.width;
                    at[i] = (uint32_t)total;
                    memcpy(data + total, p + 4, telem_get32(p));
                    total += telem_get32(p);
                }
                at[n] = (uint32_t)total;
            } else {
                data = (uint8_t *)kit_alloc(n * c.width);
                for (i = 0; i < n; i++) {
                    const uint8_t *p = kit_row(s, from + i) + c.row + (size_t)e * c.width;
                    if (c.type >= TELEM_CHARS) memcpy(data + i * c.width, p, c.width);
                    else to_native(data + i * c.width, p, c.width);
                    all &= *p;
                }
            }
            k->data[index] = data;
            k->c[index].data = data;
            k->c[index].offsets = k->offsets[index];
            if (c.presence && all && kit_one_in(rng, 2)) k->c[index].data = NULL;
        }
}

/* --- random files, written in all ways at once --- */

static uint32_t types_seen; /* by telem_type */
static uint64_t optional_seen, counters_seen, nested_seen, arrays_seen;

static void see_schema(const telem_schema *s) {
    telem_columns it;
    telem_column c;
    uint32_t i;
    for (i = 0; i < s->field_count; i++) {
        nested_seen += s->fields[i].type == TELEM_STRUCT;
        arrays_seen += s->fields[i].count > 1;
    }
    for (telem_columns_begin(&it, s); telem_columns_next(&it, &c);) {
        types_seen |= (uint32_t)1 << c.type;
        optional_seen += c.presence;
        counters_seen += !c.presence && (c.field->flags & TELEM_COUNTER);
    }
}

static telem_file_writer_desc random_desc(uint64_t *rng) {
    telem_file_writer_desc d;
    memset(&d, 0, sizeof d);
    d.profile = (uint8_t)kit_one_in(rng, 5);
    d.coding = TELEM_FILE_COLUMNS;
    d.level = (uint8_t)kit_below(rng, 3);
    d.block_rows = kit_one_in(rng, 3) ? 0 : 1u + kit_below(rng, kit_one_in(rng, 2) ? 40 : 700);
    d.block_bytes = kit_one_in(rng, 2) ? 0 : 1u + kit_below(rng, 20000);
    d.key_bytes = kit_one_in(rng, 2) ? 0 : 1u + kit_below(rng, 40000);
    d.key_rows = kit_one_in(rng, 2) ? 0 : 1u + kit_below(rng, 500);
    d.gather_bytes = kit_one_in(rng, 2) ? 0 : 1u + kit_below(rng, 100000);
    d.max_age_ns = kit_one_in(rng, 4) ? 10000000u : UINT64_MAX;
    d.max_block = 1u << 17;
    d.max_row = 1u << 16;
    d.index_blocks = kit_one_in(rng, 3) ? 0 : 2u + kit_below(rng, 7);
    return d;
}

static int from_zero; /* a lost schema block would take the number of the first row with it */

/* All rows are made first, then they go in as columns and as rows by turns. */
static void make_file(kit_random_file *k, uint64_t *rng, uint32_t streams, uint32_t rows, const telem_file_writer_desc *desc) {
    kit_writer kw;
    telem_file_writer_desc d = desc ? *desc : random_desc(rng);
    telem_io io;
    size_t at[KIT_STREAMS];
    uint32_t i, j, left = streams;
    memset(k, 0, sizeof *k);
    memset(at, 0, sizeof at);
    for (i = 0; i < streams; i++) {
        kit_stream *s;
        uint8_t *row;
        int64_t t = (int64_t)kit_below(rng, 1000000);
        kit_pace pace = (kit_pace)kit_below(rng, KIT_PACES);
        uint32_t n = 1u + kit_below(rng, rows), calm = kit_one_in(rng, 3) ? 1000 : 1u + kit_below(rng, 30), hold = 1u + kit_below(rng, 6);
        kit_random_schema(&k->schemas[i], rng);
        see_schema(k->schemas[i].schema);
        s = kit_add(&k->file, i + 1u, k->schemas[i].schema, !from_zero && kit_one_in(rng, 5) ? kit_below(rng, 100000) : 0);
        row = (uint8_t *)kit_alloc(s->row_size);
        memset(row, 0, s->row_size);
        if (s->row_size > 2000) n = 1u + n / 8u;
        for (j = 0; j < n; j++) {
            t = kit_step_time(pace, t, rng);
            if (kit_one_in(rng, hold)) kit_step_row(s->schema, row, rng, calm);
            kit_note_row(s, t, row);
        }
        free(row);
    }
    io = kit_io(&k->file);
    REQUIRE_OK(kit_open(&kw, &k->file, &d, &io));
    k->desc = kw.wd;
    REQUIRE_OK(kit_add_streams(&kw, &k->file));
    while (left) {
        kit_stream *s;
        size_t n;
        i = kit_below(rng, streams);
        s = &k->file.s[i];
        n = 1u + kit_below(rng, kit_one_in(rng, 2) ? 20 : rows);
        if (at[i] == s->n) continue;
        if (n > s->n - at[i]) n = s->n - at[i];
        if (kit_one_in(rng, 2)) {
            cols c;
            cols_make(&c, s, at[i], n, rng);
            CHECK_OK(telem_file_write_columns(&kw.w, s->id, n, s->times + at[i], c.c, c.count));
            cols_free(&c);
            at[i] += n;
        } else {
            while (n--) {
                CHECK_OK(telem_file_write_row(&kw.w, s->id, s->times[at[i]], kit_row(s, at[i])));
                at[i]++;
            }
        }
        left -= at[i] == s->n;
        if (kit_one_in(rng, 30)) CHECK_OK(telem_file_writer_flush(&kw.w));
    }
    CHECK_EQ_INT(telem_file_writer_get_stats(&kw.w).lost, 0);
    for (i = 0; i < streams; i++) CHECK_EQ_INT(telem_file_stream_get_stats(&kw.w, i + 1u).rows, k->file.s[i].n);
    CHECK_OK(kit_close(&kw));
}

static size_t memory_for(const kit_random_file *k) {
    telem_file_stream_desc d[KIT_STREAMS];
    uint32_t i;
    memset(d, 0, sizeof d);
    for (i = 0; i < k->file.count; i++) d[i].schema = k->schemas[i].schema;
    return telem_file_reader_bytes(&k->desc, d, k->file.count);
}

/* --- columns out, compared with the rows --- */

typedef struct asked {
    telem_file_into *into;
    telem_column *column;
    int64_t *times;
    uint64_t first;
    size_t rows;
} asked;

/* A request for some columns of rows [first, first + rows), arrays full of 0xA5. */
static void ask(asked *a, telem_file_read *q, telem_file_stream *stream, const kit_stream *s, uint64_t first, size_t rows, uint32_t one_in, uint64_t *rng) {
    telem_columns it;
    telem_column c;
    uint32_t e;
    memset(q, 0, sizeof *q);
    memset(a, 0, sizeof *a);
    a->first = first;
    a->rows = rows;
    a->into = (telem_file_into *)kit_alloc((telem_schema_columns(s->schema) + 1u) * sizeof *a->into);
    a->column = (telem_column *)kit_alloc((telem_schema_columns(s->schema) + 1u) * sizeof *a->column);
    a->times = kit_one_in(rng, 4) ? NULL : (int64_t *)kit_alloc(rows * 8);
    if (a->times) memset(a->times, 0xA5, rows * 8);
    for (telem_columns_begin(&it, s->schema); telem_columns_next(&it, &c);)
        for (e = 0; e < c.count; e++) {
            telem_file_into *x = &a->into[q->count];
            size_t i;
            if (!kit_one_in(rng, one_in)) continue;
            a->column[q->count++] = c;
            memset(x, 0, sizeof *x);
            x->column = c.index + e;
            x->physical = (uint8_t)(c.type < TELEM_CHARS && kit_one_in(rng, 4));
            x->data_size = rows * (x->physical ? 8u : c.width);
            if (is_variable(&c)) {
                x->offsets = (uint32_t *)kit_alloc(4 * (rows + 1));
                for (x->data_size = 0, i = 0; i < rows; i++)
                    x->data_size += telem_get32(kit_row(s, (size_t)(first - s->start_row) + i) + c.row + (size_t)e * c.width);
            }
            x->data = kit_alloc(x->data_size);
            memset(x->data, 0xA5, x->data_size);
        }
    q->stream = stream;
    q->first = first;
    q->rows = rows;
    q->times = a->times;
    q->columns = a->into;
}

static void ask_free(asked *a, telem_file_read *q) {
    uint32_t i;
    for (i = 0; i < q->count; i++) {
        free(a->into[i].data);
        free(a->into[i].offsets);
    }
    free(a->into);
    free(a->column);
    free(a->times);
}

/* A value of a row, before scale and bias. */
static double raw_number(const telem_column *c, const uint8_t *p) {
    uint64_t raw = 0, sign = 1ull << (c->width * 8u - 1u);
    uint32_t i, bits;
    float single;
    double whole;
    for (i = 0; i < c->width; i++) raw |= (uint64_t)p[i] << (8u * i);
    bits = (uint32_t)raw;
    memcpy(&single, &bits, sizeof single);
    memcpy(&whole, &raw, sizeof whole);
    switch (c->type) {
    case TELEM_F16: return (double)telem_f16_to_f32((uint16_t)raw);
    case TELEM_BF16: return (double)telem_bf16_to_f32((uint16_t)raw);
    case TELEM_F32: return (double)single;
    case TELEM_F64: return whole;
    case TELEM_I8: case TELEM_I16: case TELEM_I32: case TELEM_I64: return (double)(int64_t)((raw ^ sign) - sign);
    default: return (double)raw;
    }
}

/* What a value must read as. Returns its size. */
static uint32_t expected(const telem_column *c, const telem_file_into *x, const uint8_t *row, uint8_t *out) {
    const uint8_t *p = row + c->row + (size_t)(x->column - c->index) * c->width;
    if (x->physical) {
        volatile double v = raw_number(c, p); /* rounded twice, x87 or not */
        double out64;
        if (!c->presence && c->field->scale != 0.0) {
            v = v * c->field->scale;
            v = v + c->field->bias;
        }
        out64 = v;
        memcpy(out, &out64, 8);
        return 8;
    }
    to_native(out, p, c->width);
    return c->width;
}

/* Every value is right; `holes`: or untouched, and then counted as lost. */
static void compare(const asked *a, const telem_file_read *q, const kit_stream *s, int holes) {
    uint32_t k;
    size_t i, missing;
    if (!holes) CHECK_EQ_INT(q->got, a->rows);
    for (i = 0; a->times && i < a->rows; i++) {
        static const uint64_t none = 0xA5A5A5A5A5A5A5A5u;
        if (a->times[i] != s->times[a->first - s->start_row + i] && !(holes && memcmp(&a->times[i], &none, 8) == 0))
            kit_fail("wrong time of row %lu", (unsigned long)(a->first + i));
    }
    for (k = 0; k < q->count; k++) {
        const telem_file_into *x = &a->into[k];
        const telem_column *c = &a->column[k];
        for (i = 0, missing = 0; i < a->rows && check_g.bad == 0; i++) {
            const uint8_t *row = kit_row(s, (size_t)(a->first - s->start_row) + i), *p, *got;
            uint8_t want[8], none[8];
            uint32_t n;
            memset(none, 0xA5, 8);
            if (c->type < TELEM_CHARS) {
                n = expected(c, x, row, want);
                got = (const uint8_t *)x->data + i * n;
                if (memcmp(got, want, n) == 0) continue;
                if (holes && memcmp(got, none, n) == 0) missing++;
                else kit_fail("row %lu of column %u is wrong", (unsigned long)(a->first + i), (unsigned)x->column);
                continue;
            }
            p = row + c->row + (size_t)(x->column - c->index) * c->width;
            if (is_variable(c)) {
                n = x->offsets[i + 1] - x->offsets[i];
                if (n == telem_get32(p) && memcmp((const uint8_t *)x->data + x->offsets[i], p + 4, n) == 0) continue;
                if (holes && n == 0) missing++;
                else kit_fail("text %lu of column %u is wrong", (unsigned long)(a->first + i), (unsigned)x->column);
            } else if (memcmp((const uint8_t *)x->data + i * c->width, p, c->width) != 0) {
                if (holes && ((const uint8_t *)x->data)[i * c->width] == 0xA5) missing++;
                else kit_fail("bytes %lu of column %u are wrong", (unsigned long)(a->first + i), (unsigned)x->column);
            }
        }
        if (!holes) CHECK_EQ_INT(x->result, TELEM_OK);
        if (!holes) CHECK_EQ_INT(x->lost, 0);
        if (holes && missing > x->lost + (a->rows - q->got)) kit_fail("%lu rows of column %u are missing untold", (unsigned long)missing, (unsigned)x->column);
    }
}

/* All streams at once; then a part of one. */
static void read_all_ways(kit_random_file *k, uint64_t *rng) {
    kit_reader r;
    asked a[KIT_STREAMS];
    telem_file_read q[KIT_STREAMS];
    uint32_t i, n = 0, turn;
    uint8_t *map = NULL;
    if (kit_one_in(rng, 3)) { /* mapped: no io at all */
        map = (uint8_t *)kit_alloc(k->file.size);
        memcpy(map, k->file.bytes, k->file.size);
        kit_reader_init(&r, &k->file, memory_for(k));
        r.d.io = NULL;
        r.d.map = map;
        r.d.map_size = k->file.size;
        CHECK_OK(telem_file_reader_open(&r.r, &r.d));
    } else {
        CHECK_OK(kit_read_memory(&r, &k->file, k->file.bytes, k->file.size, memory_for(k)));
    }
    REQUIRE_OK(telem_file_reader_learn(&r.r));
    for (i = 0; i < k->file.count; i++) {
        telem_file_stream *s = telem_file_reader_find(&r.r, k->file.s[i].name);
        REQUIRE(s != NULL);
        CHECK_EQ_INT(s->end_row, k->file.s[i].start_row + k->file.s[i].n);
        ask(&a[n], &q[n], s, &k->file.s[i], s->start_row, k->file.s[i].n, 1, rng);
        n++;
    }
    CHECK_OK(telem_file_read_columns(&r.r, q, n));
    for (i = 0; i < n; i++) {
        compare(&a[i], &q[i], &k->file.s[i], 0);
        ask_free(&a[i], &q[i]);
    }
    for (turn = 0; turn < 4 && check_g.bad == 0; turn++) {
        const kit_stream *s;
        size_t first;
        i = kit_below(rng, k->file.count);
        s = &k->file.s[i];
        first = kit_below(rng, (uint32_t)s->n);
        ask(&a[0], &q[0], telem_file_reader_find(&r.r, s->name), s, s->start_row + first, 1u + kit_below(rng, (uint32_t)(s->n - first)), 1u + kit_below(rng, 6), rng);
        CHECK_OK(telem_file_read_columns(&r.r, q, 1));
        compare(&a[0], &q[0], s, 0);
        ask_free(&a[0], &q[0]);
    }
    CHECK_EQ_INT(kit_read_all(&r), TELEM_END); /* the reader stands at the start again */
    CHECK_EQ_INT(kit_missing(&k->file), 0);
    CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], 0);
    for (i = 0; i < k->file.count; i++) CHECK_EQ_INT(k->file.s[i].delivered, k->file.s[i].n);
    if (map && memcmp(map, k->file.bytes, k->file.size) != 0) kit_fail("the map was written to");
    free(map);
    kit_reader_end(&r);
}

/* Writers of every setting, columns and rows by turns, read as rows and as columns with the memory that the
   formula says and no more. */
TEST(columns_and_rows_go_in_and_come_out) {
    uint64_t rng = kit_seed(101);
    int i, n = check_quick() ? 30 : 150;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        kit_random_file k;
        kit_at("file %d, state %llu", i, (unsigned long long)rng);
        make_file(&k, &rng, 1u + kit_below(&rng, 4), kit_one_in(&rng, 4) ? 6000 : 300, NULL);
        read_all_ways(&k, &rng);
        kit_free_random(&k);
    }
    if (check_quick()) return;
    for (i = TELEM_BOOL; i <= TELEM_BLOB; i++)
        if (i != TELEM_STRUCT) CHECK((types_seen >> i & 1u) == 1u);
    CHECK(optional_seen && counters_seen && nested_seen && arrays_seen);
}

/* The default desc, enough rows for blocks straight from the caller's arrays. */
TEST(large_columns_take_the_direct_way) {
    uint64_t rng = kit_seed(102);
    int i;
    for (i = 0; i < (check_quick() ? 2 : 5) && check_g.bad == 0; i++) {
        telem_file_writer_desc d = TELEM_ZERO;
        kit_random_file k;
        d.level = (uint8_t)(i % 3);
        d.max_age_ns = UINT64_MAX;
        d.block_rows = i % 2 ? 0 : 700;
        kit_at("file %d, state %llu", i, (unsigned long long)rng);
        make_file(&k, &rng, 1, 30000, &d);
        read_all_ways(&k, &rng);
        kit_free_random(&k);
    }
}

/* --- small known streams --- */

typedef struct small {
    telem_schema_builder b;
    uint8_t memory[8192];
    const telem_schema *schema;
    telem_file_writer w;
    telem_file_writer_desc d;
    telem_file_stream_desc sd;
    telem_io io;
    kit_file f;
    void *mem;
} small;

static void small_field(small *k, const char *name, uint8_t type, uint32_t size, uint16_t flags) {
    telem_field f = TELEM_ZERO;
    f.name = name;
    f.type = type;
    f.size = size;
    f.flags = (uint8_t)flags;
    CHECK_OK(telem_schema_builder_add(&k->b, &f));
}

static void small_begin(small *k) {
    memset(k, 0, sizeof *k);
    CHECK_OK(telem_schema_builder_init(&k->b, k->memory, sizeof k->memory, "small", ""));
    k->d.coding = TELEM_FILE_COLUMNS;
    k->d.session = 77;
    k->d.max_age_ns = UINT64_MAX;
}

static void small_open(small *k) {
    CHECK_OK(telem_schema_builder_finish(&k->b, &k->schema));
    k->io = kit_io(&k->f);
    k->d.io = &k->io;
    k->sd.id = 5;
    k->sd.schema = k->schema;
    k->d.memory_size = telem_file_writer_bytes(&k->d) + telem_file_stream_bytes(&k->d, &k->sd);
    k->d.memory = k->mem = kit_alloc(k->d.memory_size);
    CHECK_OK(telem_file_writer_open(&k->w, &k->d));
    CHECK_OK(telem_file_add_stream(&k->w, &k->sd));
}

static void small_end(small *k) {
    free(k->mem);
    free(k->f.bytes);
}

typedef struct small_reader {
    telem_file_reader r;
    telem_file_reader_desc d;
    telem_memory_io m;
    telem_io io;
    void *mem;
} small_reader;

static telem_file_stream *small_read(small_reader *r, const small *k, size_t size) {
    memset(r, 0, sizeof *r);
    r->io = telem_io_memory_view(&r->m, k->f.bytes, size);
    r->d.io = &r->io;
    r->d.memory_size = telem_file_reader_bytes(&k->d, &k->sd, 1);
    r->d.memory = r->mem = kit_alloc(r->d.memory_size);
    CHECK_OK(telem_file_reader_open(&r->r, &r->d));
    CHECK_OK(telem_file_reader_learn(&r->r));
    return telem_file_reader_find(&r->r, "small");
}

/* A row that repeats costs nothing, a counter that counts neither. */
TEST(repeating_rows_cost_next_to_nothing) {
    enum { N = 100000 };
    static uint32_t n[N], back[N];
    static double v[N], vback[N];
    static int64_t t[N], tback[N];
    small k;
    small_reader r;
    telem_file_column c[2];
    telem_file_into x[2];
    telem_file_read q;
    int i, rows;
    for (rows = 0; rows < 2; rows++) {
        small_begin(&k);
        small_field(&k, "n", TELEM_U32, 0, TELEM_COUNTER);
        small_field(&k, "v", TELEM_F64, 0, 0);
        small_open(&k);
        memset(c, 0, sizeof c);
        memset(x, 0, sizeof x);
        memset(&q, 0, sizeof q);
        for (i = 0; i < N; i++) {
            n[i] = 4294967000u + (uint32_t)i; /* goes over its end */
            v[i] = 7.25 + i / 30000;
            t[i] = 1000 * (int64_t)i;
        }
        c[0].data = n;
        c[1].data = v;
        if (rows) {
            uint8_t row[12];
            for (i = 0; i < N; i++) {
                uint64_t bits;
                memcpy(&bits, &v[i], 8);
                telem_put32(row, n[i]);
                telem_put64(row + 4, bits);
                CHECK_OK(telem_file_write_row(&k.w, 5, t[i], row));
            }
        } else {
            CHECK_OK(telem_file_write_columns(&k.w, 5, N, t, c, 2));
        }
        CHECK_OK(telem_file_writer_close(&k.w));
        CHECK(k.f.size < 3000); /* 2 MB raw */
        x[0].column = 0;
        x[0].data = back;
        x[1].column = 1;
        x[1].data = vback;
        q.stream = small_read(&r, &k, k.f.size);
        q.rows = N;
        q.times = tback;
        q.columns = x;
        q.count = 2;
        CHECK_OK(telem_file_read_columns(&r.r, &q, 1));
        CHECK_EQ_INT(q.got, N);
        CHECK_MEM(n, back, sizeof n);
        CHECK_MEM(v, vback, sizeof v);
        CHECK_MEM(t, tback, sizeof t);
        q.first = 50001; /* in the middle of a run */
        q.rows = 17;
        CHECK_OK(telem_file_read_columns(&r.r, &q, 1));
        CHECK_MEM(n + 50001, back, 17 * sizeof *n);
        CHECK_MEM(t + 50001, tback, 17 * sizeof *t);
        free(r.mem);
        small_end(&k);
    }
}

/* Rows of many sources that interleave: the writer finds the key, and the file comes back. */
TEST(keys_are_found_and_come_back) {
    enum { N = 20000 };
    static int32_t v[N], back[N];
    static uint16_t source[N], source_back[N];
    static int64_t at[200];
    uint64_t rng = kit_seed(104);
    small k;
    small_reader r;
    telem_file_column c[2];
    telem_file_into x[2];
    telem_file_read q;
    int i;
    memset(c, 0, sizeof c);
    memset(x, 0, sizeof x);
    memset(&q, 0, sizeof q);
    small_begin(&k);
    small_field(&k, "source", TELEM_U16, 0, 0);
    small_field(&k, "v", TELEM_I32, 0, 0);
    small_open(&k);
    for (i = 0; i < 200; i++) at[i] = (int64_t)kit_below(&rng, 1000000000);
    for (i = 0; i < N; i++) {
        source[i] = (uint16_t)kit_below(&rng, 200);
        at[source[i]] += 3 + kit_below(&rng, 3);
        v[i] = (int32_t)at[source[i]];
    }
    c[0].data = source;
    c[1].data = v;
    CHECK_OK(telem_file_write_columns(&k.w, 5, N, NULL, c, 2));
    CHECK_OK(telem_file_writer_close(&k.w));
    CHECK(k.f.size < 50000); /* 30 bits of a value in row order; a byte for its source and two bits else */
    x[0].data = source_back;
    x[1].column = 1;
    x[1].data = back;
    q.stream = small_read(&r, &k, k.f.size);
    q.rows = N;
    q.columns = x;
    q.count = 2;
    CHECK_OK(telem_file_read_columns(&r.r, &q, 1));
    CHECK_MEM(source, source_back, sizeof source);
    CHECK_MEM(v, back, sizeof v);
    q.columns = x + 1; /* without the key's own column */
    q.count = 1;
    q.first = 7777;
    q.rows = 5000;
    CHECK_OK(telem_file_read_columns(&r.r, &q, 1));
    CHECK_MEM(v + 7777, back, 5000 * sizeof *v);
    free(r.mem);
    small_end(&k);
}

/* One column of u32 with times, written in portions of `step` rows (0: all at once; 1: of any size, edges of short
   blocks among them, the writer flushed now and then), comes back. */
static void portions_come_back(const uint32_t *v, const int64_t *t, uint32_t n, uint32_t block_rows, uint8_t level, uint32_t step, uint64_t *rng) {
    static const uint32_t edges[] = {1, 2, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025};
    uint32_t *back = (uint32_t *)kit_alloc((size_t)n * 4u), at, m;
    int64_t *times = (int64_t *)kit_alloc((size_t)n * 8u);
    telem_file_column c;
    telem_file_into x;
    telem_file_read q;
    small k;
    small_reader r;
    memset(&c, 0, sizeof c);
    memset(&x, 0, sizeof x);
    memset(&q, 0, sizeof q);
    small_begin(&k);
    k.d.level = level;
    k.d.block_rows = block_rows;
    small_field(&k, "v", TELEM_U32, 0, 0);
    small_open(&k);
    for (at = 0; at < n; at += m) {
        m = step == 1u ? edges[kit_below(rng, sizeof edges / sizeof *edges)] : step ? step : n;
        if (m > n - at) m = n - at;
        c.data = v + at;
        REQUIRE_OK(telem_file_write_columns(&k.w, 5, m, t + at, &c, 1));
        if (step == 1u && kit_one_in(rng, 8)) REQUIRE_OK(telem_file_writer_flush(&k.w));
    }
    CHECK_OK(telem_file_writer_close(&k.w));
    x.data = back;
    q.stream = small_read(&r, &k, k.f.size);
    q.rows = n;
    q.times = times;
    q.columns = &x;
    q.count = 1;
    CHECK_OK(telem_file_read_columns(&r.r, &q, 1));
    CHECK_EQ_INT(q.got, n);
    CHECK_MEM(v, back, (size_t)n * 4u);
    CHECK_MEM(t, times, (size_t)n * 8u);
    q.first = n / 3u; /* a part, from the middle of a block */
    q.rows = n / 5u;
    CHECK_OK(telem_file_read_columns(&r.r, &q, 1));
    CHECK_MEM(v + n / 3u, back, (size_t)(n / 5u) * 4u);
    CHECK_MEM(t + n / 3u, times, (size_t)(n / 5u) * 8u);
    free(r.mem);
    free(back);
    free(times);
    small_end(&k);
}

/* Whether rows repeat is told by a sample: rows that repeat only where it looks, only where it does not, only for a
   part, or in all but the time. */
TEST(samples_that_mislead_about_repeats_do_no_harm) {
    enum { BLOCK = 8000, N = 3 * BLOCK + 777 };
    static uint32_t v[N];
    static int64_t t[N];
    static uint8_t seen[BLOCK];
    uint64_t rng = kit_seed(107);
    uint32_t i, shape;
    for (i = 0; i < 96; i++) { /* where it looks in a block of so many rows */
        uint32_t part = BLOCK / 96u;
        seen[i * part + (i * 40503u >> 4) % (part - 2u) + 2u] = 1;
    }
    for (shape = 0; shape < 6; shape++)
        for (i = 0; i < 6; i++) {
            uint32_t k;
            for (k = 0; k < N; k++) {
                int new_one = shape == 0 ? !seen[k % BLOCK] : shape == 1 ? seen[k % BLOCK] : shape == 2 ? k % BLOCK > BLOCK / 2 : shape == 3 ? k % 9u == 0 : shape == 4;
                v[k] = k && !new_one ? v[k - 1] : (uint32_t)check_rand(&rng);
                t[k] = shape == 5 ? (int64_t)(k * 10u + kit_below(&rng, 10)) : (int64_t)k * 10;
            }
            kit_at("shape %u, %u", (unsigned)shape, (unsigned)i);
            portions_come_back(v, t, N, BLOCK, (uint8_t)(i % 3u), i < 3u ? 0 : 1u, &rng);
            if (check_quick() && i == 3u) break;
        }
}

/* Calls of any size: short blocks straight from the caller's arrays, what is left over gathered, both in turn. */
TEST(portions_of_any_size_come_back) {
    enum { N = 20000 };
    static uint32_t v[N];
    static int64_t t[N];
    uint64_t rng = kit_seed(108);
    uint32_t i, k, n = check_quick() ? 6u : 60u;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        uint32_t bits = kit_below(&rng, 33);
        uint32_t rows = i % 3u ? N : 1u + kit_below(&rng, 600);
        for (k = 0; k < rows; k++) {
            v[k] = (uint32_t)(check_rand(&rng) & (((uint64_t)1 << bits) - 1u));
            t[k] = (k ? t[k - 1] : 0) + (kit_one_in(&rng, 50) ? -(int64_t)kit_below(&rng, 1000) : 1000);
        }
        kit_at("file %u, %u bits, %u rows", (unsigned)i, (unsigned)bits, (unsigned)rows);
        portions_come_back(v, t, rows, i % 2u ? 0 : 300u + kit_below(&rng, 3000), (uint8_t)(i % 3u), i % 4u ? 1u : 100u, &rng);
    }
}

/* Times as far apart as can be: their differences wrap. */
TEST(times_at_the_ends_of_their_range_come_back) {
    enum { N = 3000 };
    static uint32_t v[N];
    static int64_t t[N];
    uint64_t rng = kit_seed(109);
    uint32_t i, k;
    for (i = 0; i < 6; i++) {
        for (k = 0; k < N; k++) {
            v[k] = k / 3u;
            t[k] = i == 0   ? (k & 1u ? INT64_MAX : INT64_MIN)
                   : i == 1 ? INT64_MIN + (int64_t)k
                   : i == 2 ? INT64_MAX - (int64_t)k
                   : i == 3 ? (k < N / 2 ? INT64_MIN + (int64_t)k : INT64_MAX - N + (int64_t)k)
                   : i == 4 ? ((int64_t)1 << 62) - 1500 + (int64_t)k
                            : (int64_t)(check_rand(&rng) ^ (uint64_t)INT64_MIN);
        }
        kit_at("shape %u", (unsigned)i);
        portions_come_back(v, t, N, 1000, (uint8_t)(i % 3u), i % 2u ? 1u : 0u, &rng);
    }
}

/* What a BOOL holds beside 0 is 1, however it came in. */
TEST(bools_become_zero_or_one) {
    enum { N = 5000 };
    static uint8_t v[N], back[N];
    telem_file_column c;
    telem_file_into x;
    telem_file_read q;
    int i, n;
    memset(&c, 0, sizeof c);
    memset(&x, 0, sizeof x);
    memset(&q, 0, sizeof q);
    for (i = 0; i < N; i++) v[i] = (uint8_t)(i % 7 == 0 ? 0 : i);
    for (n = 100; n <= N; n += N - 100) { /* gathered; straight from here */
        small k;
        small_reader r;
        small_begin(&k);
        k.d.block_rows = 1000;
        small_field(&k, "v", TELEM_BOOL, 0, 0);
        small_open(&k);
        c.data = v;
        CHECK_OK(telem_file_write_columns(&k.w, 5, (uint64_t)n, NULL, &c, 1));
        CHECK_OK(telem_file_writer_close(&k.w));
        x.data = back;
        q.stream = small_read(&r, &k, k.f.size);
        q.rows = (uint64_t)n;
        q.columns = &x;
        q.count = 1;
        CHECK_OK(telem_file_read_columns(&r.r, &q, 1));
        for (i = 0; i < n; i++)
            if (back[i] != (v[i] != 0)) CHECK_EQ_INT(back[i], v[i] != 0);
        free(r.mem);
        small_end(&k);
    }
}

/* Raw values are read where they lie in a mapped file. */
TEST(raw_columns_are_seen_in_place) {
    enum { N = 3000 };
    static uint32_t noise[N];
    static uint16_t calm[N];
    const uint16_t one = 1;
    uint8_t low;
    uint64_t rng = 77, row;
    telem_file_column c[2];
    telem_file_view view;
    small k;
    small_reader r;
    uint64_t *map;
    telem_file_stream *s;
    int i;
    memset(c, 0, sizeof c);
    memset(&r, 0, sizeof r);
    memcpy(&low, &one, 1);
    for (i = 0; i < N; i++) {
        noise[i] = (uint32_t)check_rand(&rng);
        calm[i] = (uint16_t)(i / 10);
    }
    small_begin(&k);
    k.d.block_rows = 1000;
    small_field(&k, "noise", TELEM_U32, 0, 0);
    small_field(&k, "calm", TELEM_U16, 0, 0);
    small_open(&k);
    c[0].data = noise;
    c[1].data = calm;
    CHECK_OK(telem_file_write_columns(&k.w, 5, N, NULL, c, 2));
    CHECK_OK(telem_file_writer_close(&k.w));
    map = (uint64_t *)kit_alloc(k.f.size);
    memcpy(map, k.f.bytes, k.f.size);
    r.d.map = map;
    r.d.map_size = k.f.size;
    r.d.memory_size = telem_file_reader_bytes(&k.d, &k.sd, 1);
    r.d.memory = r.mem = kit_alloc(r.d.memory_size);
    CHECK_OK(telem_file_reader_open(&r.r, &r.d));
    CHECK_OK(telem_file_reader_learn(&r.r));
    s = telem_file_reader_find(&r.r, "small");
    for (row = 0; low && row < N; row += view.rows) {
        memset(&view, 0, sizeof view);
        REQUIRE_OK(telem_file_view_column(&r.r, s, 0, row, &view));
        REQUIRE(view.rows > 0 && view.row == row && view.rows <= N - row);
        CHECK((const uint8_t *)view.data >= (const uint8_t *)map && (const uint8_t *)view.data < (const uint8_t *)map + k.f.size);
        CHECK_MEM(view.data, noise + row, (size_t)view.rows * 4);
        if (row == 0) {
            REQUIRE_OK(telem_file_view_column(&r.r, s, 0, 123, &view));
            CHECK_MEM(view.data, noise + 123, (size_t)view.rows * 4);
            row = 123;
        }
    }
    if (!low) CHECK_EQ_INT(telem_file_view_column(&r.r, s, 0, 0, &view), TELEM_ERR_UNSUPPORTED);
    CHECK_EQ_INT(telem_file_view_column(&r.r, s, 1, 0, &view), TELEM_ERR_UNSUPPORTED); /* not raw */
    CHECK_EQ_INT(telem_file_view_column(&r.r, s, 2, 0, &view), TELEM_ERR_NOT_FOUND);
    CHECK_EQ_INT(telem_file_view_column(&r.r, s, 0, N, &view), TELEM_ERR_NOT_FOUND);
    CHECK_EQ_INT(telem_file_view_column(&r.r, NULL, 0, 0, &view), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_view_column(&r.r, s, 0, 0, NULL), TELEM_ERR_ARG);
    free(r.mem);
    free(map);
    small_end(&k);
}

/* --- what is refused --- */

TEST(wrong_columns_are_refused_and_nothing_is_written) {
    static const uint32_t good[4] = {0, 2, 2, 5}, falls[4] = {0, 3, 2, 5}, longer[4] = {0, 2, 2, 8};
    uint16_t v[3] = {1, 2, 3};
    uint8_t there[3] = {1, 0, 1};
    telem_file_column c[3];
    telem_file_writer none;
    small k;
    memset(c, 0, sizeof c);
    memset(&none, 0, sizeof none);
    small_begin(&k);
    small_field(&k, "v", TELEM_U16, 0, TELEM_OPTIONAL);
    small_field(&k, "s", TELEM_STRING, 5, 0);
    small_open(&k);
    CHECK_EQ_INT(telem_schema_columns(k.schema), 3);
    c[0].data = there;
    c[1].data = v;
    c[2].data = "abcdefgh";
    c[2].offsets = good;
    CHECK_EQ_INT(telem_file_write_columns(NULL, 5, 3, NULL, c, 3), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_file_write_columns(&none, 5, 3, NULL, c, 3), TELEM_ERR_STATE);
    CHECK_EQ_INT(telem_file_write_columns(&k.w, 6, 3, NULL, c, 3), TELEM_ERR_NOT_FOUND);
    CHECK_EQ_INT(telem_file_write_columns(&k.w, 5, 3, NULL, c, 2), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_write_columns(&k.w, 5, 3, NULL, NULL, 3), TELEM_ERR_ARG);
    c[1].data = NULL;
    CHECK_EQ_INT(telem_file_write_columns(&k.w, 5, 3, NULL, c, 3), TELEM_ERR_ARG);
    c[1].data = v;
    c[2].offsets = NULL;
    CHECK_EQ_INT(telem_file_write_columns(&k.w, 5, 3, NULL, c, 3), TELEM_ERR_ARG);
    c[2].offsets = falls;
    CHECK_EQ_INT(telem_file_write_columns(&k.w, 5, 3, NULL, c, 3), TELEM_ERR_RANGE);
    c[2].offsets = longer;
    CHECK_EQ_INT(telem_file_write_columns(&k.w, 5, 3, NULL, c, 3), TELEM_ERR_RANGE);
    CHECK_EQ_INT(telem_file_writer_get_stats(&k.w).rows, 0);
    CHECK_OK(telem_file_write_columns(&k.w, 5, 0, NULL, NULL, 0)); /* no rows: nothing to say */
    c[2].offsets = good;
    CHECK_OK(telem_file_write_columns(&k.w, 5, 3, NULL, c, 3));
    CHECK_EQ_INT(telem_file_writer_get_stats(&k.w).rows, 3);
    CHECK_OK(telem_file_writer_close(&k.w));
    CHECK_EQ_INT(telem_file_write_columns(&k.w, 5, 3, NULL, c, 3), TELEM_ERR_STATE);
    small_end(&k);
}

TEST(wrong_descs_are_refused) {
    small k;
    telem_file_writer_desc d;
    telem_file_writer w;
    small_begin(&k);
    small_field(&k, "v", TELEM_U16, 0, 0);
    small_open(&k);
    d = k.d;
    d.level = TELEM_FILE_ARCHIVE + 1u;
    CHECK_EQ_INT(telem_file_writer_open(&w, &d), TELEM_ERR_ARG);
    d = k.d;
    d.block_rows = 65537;
    CHECK_EQ_INT(telem_file_writer_open(&w, &d), TELEM_ERR_ARG);
    d = k.d;
    d.memory_size = telem_file_writer_bytes(&d) - 1u;
    CHECK_EQ_INT(telem_file_writer_open(&w, &d), TELEM_ERR_MEMORY);
    d.memory_size++;
    CHECK_OK(telem_file_writer_open(&w, &d));
    CHECK_EQ_INT(telem_file_add_stream(&w, &k.sd), TELEM_ERR_MEMORY);
    small_end(&k);
}

TEST(wrong_requests_are_refused) {
    enum { N = 300 };
    static const uint32_t at[N + 1] = {0, 3, 5, 9};
    uint16_t v[N];
    uint32_t offsets[N + 1], all[N + 1];
    char text[16];
    telem_file_column c[2];
    telem_file_into x[2];
    telem_file_read q[2];
    small k;
    small_reader r;
    telem_file_reader pipe;
    int i;
    memset(c, 0, sizeof c);
    memset(v, 0, sizeof v);
    for (i = 0; i <= N; i++) all[i] = i < 4 ? at[i] : 9;
    small_begin(&k);
    small_field(&k, "v", TELEM_U16, 0, 0);
    small_field(&k, "s", TELEM_STRING, 5, 0);
    small_open(&k);
    c[0].data = v;
    c[1].data = "abcdefghi";
    c[1].offsets = all;
    CHECK_OK(telem_file_write_columns(&k.w, 5, N, NULL, c, 2));
    CHECK_OK(telem_file_writer_close(&k.w));
    memset(q, 0, sizeof q);
    memset(x, 0, sizeof x);
    q[0].stream = q[1].stream = small_read(&r, &k, k.f.size);
    q[0].rows = N;
    q[0].columns = x;
    q[0].count = 1;
    x[0].data = v;
    CHECK_OK(telem_file_read_columns(&r.r, q, 1));
    CHECK_OK(telem_file_read_columns(&r.r, NULL, 0));
    CHECK_EQ_INT(telem_file_read_columns(NULL, q, 1), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_read_columns(&r.r, NULL, 1), TELEM_ERR_ARG);
    CHECK_EQ_INT(telem_file_read_columns(&r.r, q, 2), TELEM_ERR_ARG); /* one stream twice */
    q[0].columns = NULL;
    CHECK_EQ_INT(telem_file_read_columns(&r.r, q, 1), TELEM_ERR_ARG);
    q[0].columns = x;
    q[0].stream = NULL;
    CHECK_EQ_INT(telem_file_read_columns(&r.r, q, 1), TELEM_ERR_ARG);
    q[0].stream = q[1].stream;
    q[0].first = UINT64_MAX;
    CHECK_EQ_INT(telem_file_read_columns(&r.r, q, 1), TELEM_ERR_ARG);
    q[0].first = 0;
    x[0].data = NULL;
    CHECK_EQ_INT(telem_file_read_columns(&r.r, q, 1), TELEM_ERR_ARG);
    x[0].data = v;
    x[0].offsets = offsets; /* a number has none */
    CHECK_EQ_INT(telem_file_read_columns(&r.r, q, 1), TELEM_ERR_ARG);
    x[0].offsets = NULL;
    x[0].column = 2;
    CHECK_EQ_INT(telem_file_read_columns(&r.r, q, 1), TELEM_ERR_NOT_FOUND);
    x[0].column = 1;
    CHECK_EQ_INT(telem_file_read_columns(&r.r, q, 1), TELEM_ERR_ARG); /* a STRING needs offsets */
    x[0].offsets = offsets;
    x[0].physical = 1;
    CHECK_EQ_INT(telem_file_read_columns(&r.r, q, 1), TELEM_ERR_ARG);
    x[0].physical = 0;
    x[0].data = text;
    x[0].data_size = 9;
    CHECK_OK(telem_file_read_columns(&r.r, q, 1));
    CHECK_MEM(text, "abcdefghi", 9);
    CHECK_MEM(offsets, all, sizeof all);
    x[0].data_size = 8; /* one byte too few: what fits is there, the others are told */
    CHECK_EQ_INT(telem_file_read_columns(&r.r, q, 1), TELEM_ERR_LIMIT);
    CHECK_EQ_INT(x[0].result, TELEM_ERR_LIMIT);
    CHECK_EQ_INT(x[0].lost, N);
    q[0].first = 400; /* rows that are not there */
    CHECK_OK(telem_file_read_columns(&r.r, q, 1));
    CHECK_EQ_INT(q[0].got, 0);
    r.io.seek = NULL;
    r.d.io = &r.io;
    memset(&r.m.pos, 0, sizeof r.m.pos);
    CHECK_OK(telem_file_reader_open(&pipe, &r.d));
    CHECK_EQ_INT(telem_file_read_columns(&pipe, NULL, 0), TELEM_ERR_UNSUPPORTED);
    CHECK_EQ_INT(telem_file_reader_learn(&pipe), TELEM_ERR_UNSUPPORTED);
    free(r.mem);
    small_end(&k);
}

/* A reader with too little memory says so, and counts what it could not read. */
/* One byte less than the formulas say is refused. What the first stream of a kind brought, another of its kind need not
   bring again; and a hundred float32 columns take 2 MB with a desc of zeros. */
TEST(memory_of_columns_is_exact) {
    static const struct { uint8_t type; uint32_t size; uint16_t count; } kinds[4] = {
        {TELEM_F32, 0, 100}, {TELEM_CHARS, 16, 0}, {TELEM_STRING, 100, 0}, {TELEM_F32, 0, 1000}};
    uint32_t i, small_desc;
    for (i = 0; i < 8; i++) {
        telem_schema_builder b;
        static uint8_t space[8192];
        telem_file_writer_desc d = TELEM_ZERO;
        telem_file_stream_desc sd = TELEM_ZERO;
        telem_field f = TELEM_ZERO;
        telem_file_writer w;
        telem_io io;
        kit_file file;
        size_t bytes, stream, used;
        void *memory;
        memset(&file, 0, sizeof file);
        io = kit_io(&file);
        small_desc = i & 1u;
        d.io = &io;
        d.session = 5;
        if (small_desc) d.max_block = 65536, d.block_rows = 1024;
        f.name = "f";
        f.type = kinds[i / 2].type;
        f.size = kinds[i / 2].size;
        f.count = kinds[i / 2].count;
        CHECK_OK(telem_schema_builder_init(&b, space, sizeof space, "row", NULL));
        CHECK_OK(telem_schema_builder_add(&b, &f));
        CHECK_OK(telem_schema_builder_finish(&b, &sd.schema));
        bytes = telem_file_writer_bytes(&d);
        stream = telem_file_stream_bytes(&d, &sd);
        if (i == 0) CHECK(bytes + stream <= 2000000);
        memory = d.memory = kit_alloc(bytes + 2 * stream);
        d.memory_size = bytes - 1;
        CHECK_EQ_INT(telem_file_writer_open(&w, &d), TELEM_ERR_MEMORY);
        d.memory_size = bytes + stream - 1;
        CHECK_OK(telem_file_writer_open(&w, &d));
        CHECK_EQ_INT(telem_file_add_stream(&w, &sd), TELEM_ERR_MEMORY);
        d.memory_size = bytes + 2 * stream;
        CHECK_OK(telem_file_writer_open(&w, &d));
        CHECK_OK(telem_file_add_stream(&w, &sd));
        CHECK_EQ_INT(w.arena.used, bytes + stream);
        sd.id++;
        sd.name = "second";
        used = w.arena.used;
        CHECK_OK(telem_file_add_stream(&w, &sd));
        CHECK(w.arena.used - used <= stream);
        if (kinds[i / 2].count == 0) CHECK(w.arena.used - used < stream);
        d.memory_size = w.arena.used - 1;
        CHECK_OK(telem_file_writer_close(&w));
        CHECK_OK(telem_file_writer_open(&w, &d)); /* without the last byte the second one is refused, and the first one works */
        sd.id--;
        sd.name = "first";
        CHECK_OK(telem_file_add_stream(&w, &sd));
        sd.id++;
        sd.name = "second";
        CHECK_EQ_INT(telem_file_add_stream(&w, &sd), TELEM_ERR_MEMORY);
        CHECK_OK(telem_file_writer_close(&w));
        free(memory);
        free(file.bytes);
    }
}

TEST(too_little_memory_is_told) {
    uint64_t rng = kit_seed(105);
    int i, n = check_quick() ? 8 : 25, told = 0;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        kit_random_file k;
        kit_reader r;
        telem_result e;
        kit_at("file %d, state %llu", i, (unsigned long long)rng);
        make_file(&k, &rng, 1, 2000, NULL);
        e = kit_read_memory(&r, &k.file, k.file.bytes, k.file.size, (1u << 17) + 16384u + kit_below(&rng, 400000));
        if (e == TELEM_OK) {
            CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
            CHECK_EQ_INT(kit_delivered(&k.file) + kit_missing(&k.file), k.file.s[0].n);
            if (r.items[TELEM_ITEM_DAMAGE] || kit_missing(&k.file)) {
                told++;
                if (r.items[TELEM_ITEM_DAMAGE]) CHECK_EQ_INT(r.damage.code, TELEM_ERR_MEMORY);
            }
        } else {
            CHECK_EQ_INT(e, TELEM_ERR_MEMORY);
            told++;
        }
        kit_reader_end(&r);
        kit_free_random(&k);
    }
    CHECK(told > 0);
}

/* A column in a coding that this version does not know: the others are read, and it is told. */
TEST(unknown_codec_costs_its_column) {
    enum { N = 300 };
    static uint16_t v[2][N], back[2][N];
    uint64_t rng = 9;
    telem_file_column c[2];
    telem_file_into x[2];
    telem_file_read q;
    kit_block blocks[20];
    kit_frame frame;
    small k;
    small_reader r;
    uint8_t *payload;
    size_t n, i, at;
    memset(c, 0, sizeof c);
    memset(x, 0, sizeof x);
    memset(&q, 0, sizeof q);
    for (i = 0; i < N; i++) {
        v[0][i] = (uint16_t)kit_below(&rng, 5000);
        v[1][i] = (uint16_t)(kit_below(&rng, 9) + i);
    }
    small_begin(&k);
    k.d.no_index = 1;
    small_field(&k, "a", TELEM_U16, 0, 0);
    small_field(&k, "b", TELEM_U16, 0, 0);
    small_open(&k);
    c[0].data = v[0];
    c[1].data = v[1];
    CHECK_OK(telem_file_write_columns(&k.w, 5, N, NULL, c, 2));
    CHECK_OK(telem_file_writer_close(&k.w));
    n = kit_blocks(k.f.bytes, k.f.size, blocks, 20);
    for (i = 0; i < n && (blocks[i].kind & 0x1F) != TELEM_BLOCK_COLUMNS; i++) {}
    REQUIRE(i < n);
    frame = kit_frame_of(k.f.bytes);
    payload = (uint8_t *)kit_alloc((size_t)blocks[i].len);
    memcpy(payload, k.f.bytes + blocks[i].offset + blocks[i].payload, (size_t)blocks[i].len);
    REQUIRE((payload[0] & 1u) == 0 && payload[3] == 0x0E); /* form, n in two bytes, the mask: time, a and b are coded */
    at = 5u + telem_varint_size(payload[5]);               /* behind the time's codec and length */
    REQUIRE(payload[5] < 128);
    payload[at] = 31;
    at = blocks[i].offset;
    {
        uint8_t fields[64];
        size_t size = blocks[i].bare - 4u - blocks[i].fields;
        memcpy(fields, k.f.bytes + at + blocks[i].fields, size);
        CHECK_EQ_INT(kit_put_block(&frame, k.f.bytes + at, blocks[i].kind, blocks[i].seq, fields, size, payload, (size_t)blocks[i].len), blocks[i].size);
    }
    free(payload);
    for (i = 0; i < 2; i++) {
        x[i].column = (uint32_t)i;
        x[i].data = back[i];
    }
    q.stream = small_read(&r, &k, k.f.size);
    q.rows = N;
    q.columns = x;
    q.count = 2;
    CHECK_EQ_INT(telem_file_read_columns(&r.r, &q, 1), TELEM_ERR_UNSUPPORTED);
    CHECK_EQ_INT(x[0].result, TELEM_ERR_UNSUPPORTED);
    CHECK_EQ_INT(x[0].lost, N);
    CHECK_EQ_INT(x[1].result, TELEM_OK);
    CHECK_EQ_INT(x[1].lost, 0);
    CHECK_MEM(back[1], v[1], sizeof v[1]);
    free(r.mem);
    small_end(&k);
}

/* --- damage --- */

/* Columns of a damaged or cut file: each value is the right one or is missing and told. */
static void read_damaged(kit_random_file *k, uint8_t *bytes, size_t size, uint64_t *rng) {
    kit_reader r;
    uint32_t i;
    uint64_t delivered;
    if (kit_read_memory(&r, &k->file, bytes, size, memory_for(k)) == TELEM_OK) {
        r.untold = k->desc.profile == TELEM_FILE_WIRE; /* where the first blocks are damaged a wire is joined later */
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        delivered = kit_delivered(&k->file);
        if (telem_file_reader_learn(&r.r) == TELEM_OK)
            for (i = 0; i < k->file.count && check_g.bad == 0; i++) {
                const kit_stream *s = &k->file.s[i];
                telem_file_stream *stream = telem_file_reader_find(&r.r, s->name);
                asked a;
                telem_file_read q;
                telem_result e;
                if (!stream || !stream->schema || stream->start_row != s->start_row) continue;
                ask(&a, &q, stream, s, s->start_row, s->n, 1u + kit_below(rng, 5), rng);
                e = telem_file_read_columns(&r.r, &q, 1);
                compare(&a, &q, s, 1);
                if (e == TELEM_OK && k->file.count == 1 && q.got < s->n && q.got < delivered) kit_fail("less than the rows, untold");
                ask_free(&a, &q);
            }
    }
    kit_reader_end(&r);
}

TEST(cut_and_damaged_files_yield_only_right_values) {
    uint64_t rng = kit_seed(106);
    int i, j, n = check_quick() ? 6 : 25;
    from_zero = 1;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        kit_random_file k;
        kit_at("file %d, state %llu", i, (unsigned long long)rng);
        make_file(&k, &rng, 1u + kit_below(&rng, 3), 1500, NULL);
        for (j = 0; j < 10 && check_g.bad == 0; j++) {
            size_t size = k.file.size, at;
            uint8_t *copy = (uint8_t *)kit_alloc(size);
            memcpy(copy, k.file.bytes, size);
            if (kit_one_in(&rng, 2)) {
                size = 1u + kit_below(&rng, (uint32_t)size);
            } else {
                for (at = 1u + kit_below(&rng, 3); at; at--) copy[kit_below(&rng, (uint32_t)size)] ^= (uint8_t)(1u << kit_below(&rng, 8));
            }
            read_damaged(&k, copy, size, &rng);
            free(copy);
        }
        kit_free_random(&k);
    }
}

int main(void) {
    RUN(columns_and_rows_go_in_and_come_out);
    RUN(large_columns_take_the_direct_way);
    RUN(repeating_rows_cost_next_to_nothing);
    RUN(keys_are_found_and_come_back);
    RUN(samples_that_mislead_about_repeats_do_no_harm);
    RUN(portions_of_any_size_come_back);
    RUN(times_at_the_ends_of_their_range_come_back);
    RUN(bools_become_zero_or_one);
    RUN(raw_columns_are_seen_in_place);
    RUN(wrong_columns_are_refused_and_nothing_is_written);
    RUN(wrong_descs_are_refused);
    RUN(wrong_requests_are_refused);
    RUN(memory_of_columns_is_exact);
    RUN(too_little_memory_is_told);
    RUN(unknown_codec_costs_its_column);
    RUN(cut_and_damaged_files_yield_only_right_values);
    return CHECK_MAIN_END();
}
