/* test_sets.c - real telemetry through schema builder, writer, file and reader, bit for bit.
   The data sets stand at ../shared/data (their README tells the layout); without them: SKIPPED.
   UNIT: posix, UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#if !defined(TEST_LINKED)
#define TELEM_IMPLEMENTATION
#endif
#include "telem_file.h"

#include "check.h"
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

/* The sanitizers' run and the emulated targets take the beginning of each stream, to save time. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOW 1
#endif
#endif
#if !defined(SLOW)
#define SLOW 0
#endif

#define ROOT        "../shared/data"
#define MAX_STREAMS 200
#define MAX_COLUMNS 1100

typedef struct set_column {
    char name[128];
    uint8_t type, width; /* width 0: text */
    uint8_t *data;
    uint8_t *offsets; /* text: u32[rows + 1], little-endian */
    uint32_t longest;
} set_column;

typedef struct set_stream {
    char name[128];
    uint32_t rows, columns, first; /* first column that is a field */
    set_column *column;
    void *memory;
    const telem_schema *schema;
    uint32_t row_size, written, read;
} set_stream;

typedef struct data_set {
    set_stream stream[MAX_STREAMS];
    uint32_t count;
} data_set;

static data_set set;

/* ---- loading ---- */

static void *must_alloc(size_t n) {
    void *p = malloc(n ? n : 1);
    if (!p) {
        printf("out of memory\n");
        exit(1);
    }
    return p;
}

/* A whole file; NULL when it is not there or not of `want` bytes (0: any). */
static uint8_t *load(const char *path, size_t want, size_t *got) {
    FILE *f = fopen(path, "rb");
    uint8_t *p = NULL;
    long size;
    if (!f) return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0 &&
        (!want || (size_t)size >= want)) {
        *got = (size_t)size;
        p = (uint8_t *)must_alloc(*got);
        if (fread(p, 1, *got, f) != *got) {
            free(p);
            p = NULL;
        }
    }
    fclose(f);
    return p;
}

static const struct type_name {
    const char *name;
    uint8_t type, width;
} type_names[] = {{"bool", TELEM_BOOL, 1}, {"u8", TELEM_U8, 1},   {"u16", TELEM_U16, 2},
                  {"u32", TELEM_U32, 4},   {"u64", TELEM_U64, 8}, {"i8", TELEM_I8, 1},
                  {"i16", TELEM_I16, 2},   {"i32", TELEM_I32, 4}, {"i64", TELEM_I64, 8},
                  {"f32", TELEM_F32, 4},   {"f64", TELEM_F64, 8}, {"str", TELEM_STRING, 0}};

static int find_type(const char *name, set_column *c) {
    size_t i;
    for (i = 0; i < sizeof type_names / sizeof *type_names; i++)
        if (strcmp(name, type_names[i].name) == 0) {
            c->type = type_names[i].type;
            c->width = type_names[i].width;
            return 1;
        }
    return 0;
}

static int load_column(const char *folder, uint32_t index, uint32_t rows, set_column *c) {
    char path[1024];
    size_t n = 0;
    uint32_t i;
    snprintf(path, sizeof path, "%s/c%03u.bin", folder, (unsigned)index);
    c->data = load(path, (size_t)rows * c->width, &n);
    if (!c->data) return 0;
    c->longest = 1;
    if (c->width) return 1;
    snprintf(path, sizeof path, "%s/c%03u.off", folder, (unsigned)index);
    c->offsets = load(path, ((size_t)rows + 1) * 4, &n);
    for (i = 0; c->offsets && i < rows; i++) {
        uint32_t length = telem_get32(c->offsets + 4 * i + 4) - telem_get32(c->offsets + 4 * i);
        if (length > c->longest) c->longest = length;
    }
    return c->offsets != NULL;
}

/* schema.txt: "rows columns has_time", then "type name" per column. */
static int load_stream(const char *folder, const char *name, set_stream *s) {
    char path[1024], type[16];
    unsigned rows, columns, has_time, i;
    FILE *f;
    int ok;
    snprintf(path, sizeof path, "%s/schema.txt", folder);
    f = fopen(path, "r");
    if (!f) return 0;
    memset(s, 0, sizeof *s);
    snprintf(s->name, sizeof s->name, "%.120s", name);
    ok = fscanf(f, "%u %u %u", &rows, &columns, &has_time) == 3 && columns > 0 &&
         columns <= MAX_COLUMNS;
    if (ok) {
        s->column = (set_column *)must_alloc(columns * sizeof *s->column);
        memset(s->column, 0, columns * sizeof *s->column);
        s->rows = rows;
        s->columns = columns;
    }
    for (i = 0; ok && i < columns; i++)
        ok =
            fscanf(f, "%15s %127s", type, s->column[i].name) == 2 && find_type(type, &s->column[i]);
    fclose(f);
    for (i = 0; ok && i < columns; i++) ok = load_column(folder, i, rows, &s->column[i]);
    s->first = ok && has_time && s->column[0].type == TELEM_I64 && columns > 1 ? 1 : 0;
    if (ok && SLOW && s->rows > 5000) s->rows = 5000;
    if (ok && check_quick() && s->rows > 500) s->rows = 500;
    return ok;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const set_stream *)a)->name, ((const set_stream *)b)->name);
}

static int load_set(const char *name) {
    char folder[256], path[700];
    struct dirent *e;
    DIR *d;
    snprintf(folder, sizeof folder, "%s/%s", ROOT, name);
    d = opendir(folder);
    set.count = 0;
    if (!d) return 0;
    while ((e = readdir(d)) != NULL && set.count < MAX_STREAMS) {
        if (e->d_name[0] == '.' || strlen(e->d_name) > 120) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        CHECK(load_stream(path, e->d_name, &set.stream[set.count]));
        set.count++;
    }
    closedir(d);
    qsort(set.stream, set.count, sizeof *set.stream, by_name);
    return 1;
}

static void free_set(void) {
    uint32_t i, k;
    for (i = 0; i < set.count; i++) {
        for (k = 0; k < set.stream[i].columns; k++) {
            free(set.stream[i].column[k].data);
            free(set.stream[i].column[k].offsets);
        }
        free(set.stream[i].column);
        free(set.stream[i].memory);
    }
    set.count = 0;
}

/* ---- schema and rows ---- */

static telem_result build_schema(set_stream *s) {
    telem_schema_builder b;
    size_t size = 4096 + (size_t)s->columns * 512;
    uint32_t i;
    telem_result r;
    s->memory = must_alloc(size);
    r = telem_schema_builder_init(&b, s->memory, size, s->name, NULL);
    for (i = s->first; i < s->columns && r == TELEM_OK; i++) {
        telem_field f = TELEM_ZERO;
        f.name = s->column[i].name;
        f.type = s->column[i].type;
        f.size = s->column[i].width ? 0 : s->column[i].longest;
        r = telem_schema_builder_add(&b, &f);
    }
    if (r == TELEM_OK) r = telem_schema_builder_finish(&b, &s->schema);
    if (r == TELEM_OK) s->row_size = telem_schema_row_size(s->schema);
    return r;
}

static int64_t row_time(const set_stream *s, uint32_t row) {
    uint64_t bits;
    int64_t t;
    if (!s->first) return (int64_t)row;
    bits = telem_get64(s->column[0].data + 8 * (size_t)row);
    memcpy(&t, &bits, sizeof t);
    return t;
}

/* The row form straight from the set's columns, which are little-endian like it. */
static void build_row(const set_stream *s, uint32_t row, uint8_t *to) {
    uint32_t i;
    memset(to, 0, s->row_size);
    for (i = s->first; i < s->columns; i++) {
        const set_column *c = &s->column[i];
        if (c->width) {
            memcpy(to, c->data + (size_t)row * c->width, c->width);
            to += c->width;
        } else {
            uint32_t from = telem_get32(c->offsets + 4 * (size_t)row),
                     n = telem_get32(c->offsets + 4 * (size_t)row + 4) - from;
            telem_put32(to, n);
            memcpy(to + 4, c->data + from, n);
            to += 4 + c->longest;
        }
    }
}

/* ---- writing and reading back ---- */

static void stream_desc(uint32_t i, telem_file_stream_desc *d) {
    memset(d, 0, sizeof *d);
    d->id = i + 1;
    d->schema = set.stream[i].schema;
}

static uint32_t widest_row(void) {
    uint32_t i, most = 1;
    for (i = 0; i < set.count; i++)
        if (set.stream[i].row_size > most) most = set.stream[i].row_size;
    return most;
}

/* A hundred rows of each stream in turn. */
static telem_result write_rows(telem_file_writer *w) {
    uint8_t *row = (uint8_t *)must_alloc(widest_row());
    telem_result r = TELEM_OK;
    uint32_t i, k, left = 1;
    while (left && r == TELEM_OK) {
        for (left = 0, i = 0; i < set.count; i++) {
            set_stream *s = &set.stream[i];
            for (k = 0; k < 100 && s->written < s->rows && r == TELEM_OK; k++, s->written++) {
                build_row(s, s->written, row);
                r = telem_file_write_row(w, i + 1, row_time(s, s->written), row);
            }
            left |= s->written < s->rows;
        }
    }
    free(row);
    return r;
}

static telem_result write_set(telem_io *io, uint8_t lz4) {
    telem_file_writer *w = (telem_file_writer *)must_alloc(sizeof *w);
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc sd;
    telem_result r, closed;
    uint32_t i;
    d.io = io;
    d.session = 1;
    d.lz4 = lz4;
    d.memory_size = telem_file_writer_bytes(&d);
    for (i = 0; i < set.count; i++) {
        stream_desc(i, &sd);
        d.memory_size += telem_file_stream_bytes(&d, &sd);
    }
    d.memory = must_alloc(d.memory_size);
    r = telem_file_writer_open(w, &d);
    for (i = 0; i < set.count && r == TELEM_OK; i++) {
        stream_desc(i, &sd);
        r = telem_file_add_stream(w, &sd);
    }
    if (r == TELEM_OK) r = write_rows(w);
    closed = telem_file_writer_close(w);
    free(d.memory);
    free(w);
    return r != TELEM_OK ? r : closed;
}

static void compare_row(const telem_file_item *item, uint8_t *row) {
    uint32_t i = item->stream->id - 1;
    set_stream *s = i < set.count ? &set.stream[i] : NULL;
    int expected = s && s->read < s->rows && item->row == s->read;
    CHECK(expected);
    if (!expected) return;
    build_row(s, s->read, row);
    CHECK_EQ_INT(item->time, row_time(s, s->read));
    CHECK_EQ_INT(item->stream->row_size, s->row_size);
    if (item->stream->row_size == s->row_size) CHECK_MEM(item->data, row, s->row_size);
    s->read++;
}

static void read_set(telem_io *io) {
    telem_file_reader *r = (telem_file_reader *)must_alloc(sizeof *r);
    telem_file_reader_desc d = TELEM_ZERO;
    telem_file_item item;
    uint8_t *row = (uint8_t *)must_alloc(widest_row());
    uint32_t i;
    int other = 0;
    d.io = io;
    d.memory_size = (size_t)24 << 20;
    d.memory = must_alloc(d.memory_size);
    CHECK_OK(telem_file_reader_open(r, &d));
    while (telem_file_next(r, &item) == TELEM_OK) {
        if (item.kind == TELEM_ITEM_ROW) compare_row(&item, row);
        else if (item.kind == TELEM_ITEM_DAMAGE || item.kind == TELEM_ITEM_MISSING ||
                 item.kind == TELEM_ITEM_LOSS)
            other++;
    }
    CHECK_EQ_INT(other, 0);
    CHECK(telem_file_reader_ended(r));
    for (i = 0; i < set.count; i++) CHECK_EQ_INT(set.stream[i].read, set.stream[i].rows);
    free(d.memory);
    free(row);
    free(r);
}

static int64_t pass(uint8_t lz4) {
    FILE *f = tmpfile();
    telem_io io;
    int64_t size;
    uint32_t i;
    CHECK(f != NULL);
    if (!f) return 0;
    for (i = 0; i < set.count; i++) set.stream[i].written = set.stream[i].read = 0;
    io = telem_io_fd(fileno(f));
    CHECK_OK(write_set(&io, lz4));
    size = io.size(io.user);
    CHECK_OK(io.seek(io.user, 0));
    read_set(&io);
    fclose(f);
    return size;
}

static void round_trip(const char *name) {
    uint64_t raw = 0, rows = 0;
    int64_t plain, packed = 0;
    uint32_t i, k;
    if (access(ROOT "/README.md", R_OK) != 0) SKIP("no data sets at " ROOT);
    REQUIRE(load_set(name));
    REQUIRE(set.count > 0);
    for (i = 0; i < set.count; i++) {
        set_stream *s = &set.stream[i];
        REQUIRE_OK(build_schema(s));
        rows += s->rows;
        for (k = 0; k < s->columns; k++)
            raw += s->column[k].width ? (uint64_t)s->rows * s->column[k].width
                                      : telem_get32(s->column[k].offsets + 4 * (size_t)s->rows);
    }
    plain = pass(0);
#ifndef TELEM_NO_LZ4
    packed = pass(1);
#endif
    printf("%-18s %3u streams %8lu rows, columns %9lu B, file %9ld B", name, (unsigned)set.count,
           (unsigned long)rows, (unsigned long)raw, (long)plain);
    if (packed) printf(", with LZ4 %9ld B", (long)packed);
    printf("\n");
    free_set();
}

#define SET(name) TEST(set_##name##_comes_back_bit_for_bit) { round_trip(#name); }
#define SETS(X) \
    X(px4_flight) X(can_comma) X(can_ids) X(comma_decoded) X(ecg_mitdb100) X(adsb_switzerland) \
    X(trades_spy) X(power_house_f32) X(power_house_f64) X(turbofan_fd001) X(events_web) X(alp_a) \
    X(idle_status) X(wide1000_f32)
SETS(SET)

int main(void) {
#define RUN_SET(name) RUN(set_##name##_comes_back_bit_for_bit);
    SETS(RUN_SET)
    return CHECK_MAIN_END();
}
