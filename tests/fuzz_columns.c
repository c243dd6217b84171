/* fuzz_columns.c - columns blocks under libFuzzer. The first byte chooses what the rest is:
     0  the payload of a columns block of a known stream, checks put right
     1  the same, but a real payload damaged at places that the input names
     2  values: whole columns of one stream, which must come back bit for bit, by rows and by columns
   Whatever comes, the reader must not crash, must come to an end, and must say what is missing. */
#define _POSIX_C_SOURCE 200809L
#include "file_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define die() die_at(__LINE__)
static void die_at(int line) {
    printf("fuzz_columns.c:%d\n", line);
    fflush(stdout);
    abort();
}

TELEM_LABELS(labels, {0, "A"}, {1, "B"});
#define SUB_TABLE(F) F(FIELD, u8, x, "", "") F(OPT, i16, y, "", "")
TELEM_DEFINE(Sub, SUB_TABLE, "");
#define REC_TABLE(F) \
    F(COUNT, u16, n, "") F(FIELD, f32, a, "", "") F(FIELD, f64, b, "", "") F(ARRAY, i16, c, 3, "", "") F(ENUM, u8, e, labels, "") \
    F(STRING, s, 20, "") F(CHARS, t, 6, "") F(OPTSTRUCT, Sub, sub, "") F(FIELD, bool_, on, "", "") F(OPT, u64, o, "", "") \
    F(FIELD, i32, v, "", "") F(STRING, u, 40, "")
TELEM_DEFINE(Rec, REC_TABLE, "");
#define COLUMNS 20u
#define MEMORY (1u << 22)

/* A real file of so many rows: what stands before its first columns block, and that block. */
typedef struct model {
    kit_file f;
    kit_block block;
} model;
static const uint32_t model_rows[] = {1, 5, 64, 300, 1500};
#define MODELS (sizeof model_rows / sizeof *model_rows)

static model *model_of(uint32_t which) {
    static model all[MODELS];
    model *m = &all[which % MODELS];
    uint64_t rng = 1000u + which % MODELS;
    kit_block blocks[64];
    kit_writer w;
    telem_file_writer_desc d;
    telem_io io;
    uint8_t row[256];
    uint32_t i;
    size_t n;
    if (m->f.count) return m;
    memset(&d, 0, sizeof d);
    memset(row, 0, sizeof row);
    d.coding = TELEM_FILE_COLUMNS;
    d.max_age_ns = UINT64_MAX;
    d.no_index = 1;
    d.max_block = 1u << 17;
    (void)kit_add(&m->f, 1, &Rec_schema, 0);
    io = kit_io(&m->f);
    if (sizeof row < m->f.s[0].row_size || kit_open(&w, &m->f, &d, &io) != TELEM_OK || kit_add_streams(&w, &m->f) != TELEM_OK) die();
    for (i = 0; i < model_rows[which % MODELS]; i++) {
        if (i % 3) kit_step_row(&Rec_schema, row, &rng, 4);
        if (telem_file_write_row(&w.w, 1, 100 * (int64_t)i + (int64_t)kit_below(&rng, 3), row) != TELEM_OK) die();
    }
    if (kit_close(&w) != TELEM_OK) die();
    n = kit_blocks(m->f.bytes, m->f.size, blocks, 64);
    for (i = 0; i < n && (blocks[i].kind & 0x1F) != TELEM_BLOCK_COLUMNS; i++) {}
    if (i == n) die();
    m->block = blocks[i];
    return m;
}

static uint64_t touched;

/* By rows, then all columns at once, then one. */
static void read_out(const uint8_t *p, size_t n, uint32_t rows) {
    static int64_t times[2000];
    telem_file_reader r;
    telem_file_reader_desc d = TELEM_ZERO;
    telem_memory_io m;
    telem_io io = telem_io_memory_view(&m, p, n);
    telem_file_into into[COLUMNS];
    telem_file_read q;
    telem_file_item item;
    telem_columns it;
    telem_column c;
    uint64_t got = 0, missing = 0;
    uint32_t i, k = 0, turn;
    d.io = &io;
    d.memory_size = MEMORY;
    d.memory = kit_alloc(d.memory_size);
    if (telem_file_reader_open(&r, &d) != TELEM_OK) die();
    while (telem_file_next(&r, &item) == TELEM_OK) {
        if (item.kind == TELEM_ITEM_ROW)
            for (got++, i = 0; i < item.stream->row_size; i++) touched += item.data[i];
        if (item.kind == TELEM_ITEM_MISSING) missing += item.count;
    }
    if (got + missing != rows) die();
    if (telem_file_reader_learn(&r) != TELEM_OK) die();
    memset(&q, 0, sizeof q);
    memset(into, 0, sizeof into);
    for (telem_columns_begin(&it, &Rec_schema); telem_columns_next(&it, &c);)
        for (i = 0; i < c.count && k < COLUMNS; i++, k++) {
            into[k].column = c.index + i;
            if (c.type == TELEM_STRING) into[k].offsets = (uint32_t *)kit_alloc(4u * (rows + 1u));
            into[k].data_size = (size_t)rows * c.width;
            into[k].data = kit_alloc(into[k].data_size);
        }
    q.stream = telem_file_reader_stream(&r, 0);
    q.rows = rows;
    q.times = times;
    for (turn = 0; turn < 2; turn++) {
        telem_result e;
        q.columns = turn ? into + n % k : into;
        q.count = turn ? 1 : k;
        e = telem_file_read_columns(&r, &q, 1);
        for (i = 0; i < q.count; i++) {
            if (q.columns[i].result != TELEM_OK && e == TELEM_OK) die();
            if (q.columns[i].lost > rows) die();
            if (q.columns[i].offsets && q.columns[i].offsets[rows] > q.columns[i].data_size) die();
        }
        if (e == TELEM_OK && got == rows && q.got != rows) die();
    }
    for (i = 0; i < k; i++) {
        free(into[i].data);
        free(into[i].offsets);
    }
    free(d.memory);
}

/* The model's file up to its columns block, and that block with this payload. */
static void read_payload(const model *m, const uint8_t *payload, size_t n) {
    kit_frame f = kit_frame_of(m->f.bytes);
    const uint8_t *b = m->f.bytes + m->block.offset;
    uint8_t *out = (uint8_t *)kit_alloc(m->block.offset + n + 256u);
    size_t at = m->block.offset;
    memcpy(out, m->f.bytes, at);
    at += kit_put_block(&f, out + at, m->block.kind, m->block.seq, b + m->block.fields, m->block.bare - 4u - m->block.fields, payload, n);
    read_out(out, at, m->block.rows);
    free(out);
}

static void damage_payload(const model *m, const uint8_t *p, size_t n) {
    size_t len = (size_t)m->block.len;
    uint8_t *copy = (uint8_t *)kit_alloc(len);
    memcpy(copy, m->f.bytes + m->block.offset + m->block.payload, len);
    for (; n >= 3; n -= 3, p += 3) {
        size_t at = p[0] & 0x80 ? telem_get16(p) % len : (p[0] & 0x7Fu) % len; /* the head more often than the data */
        copy[at] = (uint8_t)(copy[at] ^ p[2]);
    }
    if (n == 1) len -= p[0] % len;
    read_payload(m, copy, len);
    free(copy);
}

/* --- values --- */

static void come_back(const uint8_t *p, size_t n, uint8_t level) {
    static const uint8_t types[] = {TELEM_U8, TELEM_I16, TELEM_U32, TELEM_I64, TELEM_F16, TELEM_F32, TELEM_F64, TELEM_BOOL, TELEM_U64, TELEM_I8};
    telem_schema_builder b;
    uint8_t memory[2048], *back;
    const telem_schema *schema;
    telem_field f = TELEM_ZERO;
    telem_file_column c;
    telem_file_into into;
    telem_file_read q;
    kit_file k;
    kit_writer w;
    telem_file_writer_desc d;
    telem_io io;
    kit_reader r;
    uint32_t width, rows, i;
    if (n < 3) return;
    memset(&k, 0, sizeof k);
    memset(&d, 0, sizeof d);
    memset(&c, 0, sizeof c);
    memset(&into, 0, sizeof into);
    memset(&q, 0, sizeof q);
    f.name = "v";
    f.type = types[p[0] % sizeof types];
    if (p[1] & 1 && f.type != TELEM_BOOL && f.type < TELEM_F16) f.flags = TELEM_COUNTER;
    if (telem_schema_builder_init(&b, memory, sizeof memory, "S", "") != TELEM_OK || telem_schema_builder_add(&b, &f) != TELEM_OK) die();
    if (telem_schema_builder_finish(&b, &schema) != TELEM_OK) die();
    width = telem_schema_row_size(schema);
    d.coding = TELEM_FILE_COLUMNS;
    d.level = level % 3u;
    d.max_block = 1u << 17;
    d.block_rows = p[1] & 2 ? 100 : 0;
    d.max_age_ns = UINT64_MAX;
    p += 2;
    n -= 2;
    rows = (uint32_t)(n / width) * (1u + (p[0] & 7u)); /* values come again and again */
    if (rows == 0) return;
    n = n / width * width;
    c.data = kit_alloc((size_t)rows * width);
    for (i = 0; i < rows * width; i++) ((uint8_t *)(uintptr_t)c.data)[i] = (uint8_t)(f.type == TELEM_BOOL ? p[i % n] & 1u : p[i % n]);
    (void)kit_add(&k, 1, schema, 0);
    io = kit_io(&k);
    if (kit_open(&w, &k, &d, &io) != TELEM_OK || kit_add_streams(&w, &k) != TELEM_OK) die();
    if (telem_file_write_columns(&w.w, 1, rows, NULL, &c, 1) != TELEM_OK || kit_close(&w) != TELEM_OK) die();
    if (kit_read_memory(&r, &k, k.bytes, k.size, MEMORY) != TELEM_OK || telem_file_reader_learn(&r.r) != TELEM_OK) die();
    back = (uint8_t *)kit_alloc((size_t)rows * width);
    into.data = back;
    q.stream = telem_file_reader_stream(&r.r, 0);
    q.rows = rows;
    q.columns = &into;
    q.count = 1;
    if (telem_file_read_columns(&r.r, &q, 1) != TELEM_OK || q.got != rows) die();
    if (memcmp(back, c.data, (size_t)rows * width) != 0) die();
    if (k.size > (size_t)rows * width + rows + 2048u) die(); /* never more than raw, and the times */
    free(back);
    free((void *)(uintptr_t)c.data);
    kit_reader_end(&r);
    kit_free_file(&k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *exact;
    if (size < 3 || size > 20000) return 0;
    exact = (uint8_t *)kit_alloc(size - 2);
    memcpy(exact, data + 2, size - 2);
    switch (data[0] % 3) {
    case 0: read_payload(model_of(data[1]), exact, size - 2); break;
    case 1: damage_payload(model_of(data[1]), exact, size - 2); break;
    default: come_back(exact, size - 2, data[1]); break;
    }
    free(exact);
    return 0;
}
