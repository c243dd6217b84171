/* bench_file.c - size and speed of columns files over sets of real telemetry, through the public API and
   real files, with a zero desc but for the level.   make bench-file DATA=dir
   DATA holds sets in the layout of its README.md: set/stream/{schema.txt, cNNN.bin, cNNN.off}. Every set is
   read back and compared bit for bit: a mismatch fails. In the same run memcpy, LZ4 and zstd-3 (SKIPPED
   without libzstd) over the same columns; ratios of speeds are to LZ4's. peers.tsv in DATA: what others need.
   one_column_ms and range1pct_ms: of the largest stream, with the reader open and the schemas known (open_ms).
   one_column_to_share: the first against that column's share of reading all.
   BENCH_SETS="a b" takes only these, BENCH_LEVELS="default fast" only these, BENCH_SECONDS each measurement,
   BENCH_TYPES=1 lists bytes per stream, with -DBENCH_ABLATION (make bench-ablation) BENCH_EACH=1
   lists the sizes set by set. */
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem_file.h"

#include <dirent.h>
#include <lz4.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#if defined(__has_include)
#if __has_include(<zstd.h>)
#include <zstd.h>
#define HAVE_ZSTD 1
#endif
#endif
#if !defined(HAVE_ZSTD)
#define HAVE_ZSTD 0
#endif

typedef struct bench_column {
    char name[128];
    uint8_t type, width; /* width 0: text */
    uint8_t *data, *back;
    uint32_t *offsets, *back_offsets;
    uint32_t longest;
    size_t bytes;
} bench_column;

typedef struct bench_stream {
    char name[128];
    uint32_t rows, columns, first; /* first column that is a field */
    bench_column *column;
    int64_t *back_times;
    void *memory;
    const telem_schema *schema;
    size_t raw;
} bench_stream;

typedef struct bench_set {
    char name[128];
    bench_stream *stream;
    uint32_t count;
    size_t raw, values;
} bench_set;

static double seconds_each = 0.2;
static int failed;

/* Of this thread's processor: what a neighbour takes meanwhile does not count. */
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *get(size_t n) {
    void *p = malloc(n ? n : 1);
    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return p;
}

static void must(int ok, const char *what, const char *name) {
    if (ok) return;
    printf("FAIL %s: %s\n", name, what);
    failed = 1;
}

/* ---- loading ---- */

static uint8_t *load(const char *path, size_t *got) {
    FILE *f = fopen(path, "rb");
    uint8_t *p = NULL;
    long size;
    if (!f) return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0) {
        *got = (size_t)size;
        p = (uint8_t *)get(*got);
        if (fread(p, 1, *got, f) != *got) {
            free(p);
            p = NULL;
        }
    }
    fclose(f);
    return p;
}

static int find_type(const char *name, bench_column *c) {
    static const struct {
        const char *name;
        uint8_t type, width;
    } t[] = {{"bool", TELEM_BOOL, 1}, {"u8", TELEM_U8, 1},   {"u16", TELEM_U16, 2}, {"u32", TELEM_U32, 4},
             {"u64", TELEM_U64, 8},   {"i8", TELEM_I8, 1},   {"i16", TELEM_I16, 2}, {"i32", TELEM_I32, 4},
             {"i64", TELEM_I64, 8},   {"f32", TELEM_F32, 4}, {"f64", TELEM_F64, 8}, {"str", TELEM_STRING, 0}};
    size_t i;
    for (i = 0; i < sizeof t / sizeof *t; i++)
        if (strcmp(name, t[i].name) == 0) {
            c->type = t[i].type;
            c->width = t[i].width;
            return 1;
        }
    return 0;
}

/* Little-endian files become native arrays. */
static void swap_in(uint8_t *p, size_t width, size_t n) {
    const uint16_t one = 1;
    uint8_t low;
    size_t i, k;
    memcpy(&low, &one, 1);
    if (low || width < 2) return;
    for (i = 0; i < n; i++, p += width)
        for (k = 0; k < width / 2; k++) {
            uint8_t x = p[k];
            p[k] = p[width - 1 - k];
            p[width - 1 - k] = x;
        }
}

static int load_column(const char *folder, uint32_t index, uint32_t rows, bench_column *c) {
    char path[1400];
    size_t n = 0, want = ((size_t)rows + 1) * 4;
    uint32_t i;
    snprintf(path, sizeof path, "%s/c%03u.bin", folder, (unsigned)index);
    c->data = load(path, &c->bytes);
    if (!c->data || (c->width && c->bytes != (size_t)rows * c->width)) return 0;
    c->longest = 1;
    if (c->width) {
        swap_in(c->data, c->width, rows);
        return 1;
    }
    snprintf(path, sizeof path, "%s/c%03u.off", folder, (unsigned)index);
    c->offsets = (uint32_t *)(void *)load(path, &n);
    if (!c->offsets || n != want) return 0;
    swap_in((uint8_t *)c->offsets, 4, (size_t)rows + 1);
    for (i = 0; i < rows; i++) {
        if (c->offsets[i + 1] < c->offsets[i]) return 0;
        if (c->offsets[i + 1] - c->offsets[i] > c->longest) c->longest = c->offsets[i + 1] - c->offsets[i];
    }
    return c->offsets[rows] == c->bytes;
}

static int build_schema(bench_stream *s) {
    telem_schema_builder b;
    size_t size = 4096 + (size_t)s->columns * 512;
    uint32_t i;
    telem_result r;
    s->memory = get(size);
    r = telem_schema_builder_init(&b, s->memory, size, s->name, NULL);
    for (i = s->first; i < s->columns && r == TELEM_OK; i++) {
        telem_field f = TELEM_ZERO;
        f.name = s->column[i].name;
        f.type = s->column[i].type;
        f.size = s->column[i].width ? 0 : s->column[i].longest;
        r = telem_schema_builder_add(&b, &f);
    }
    if (r == TELEM_OK) r = telem_schema_builder_finish(&b, &s->schema);
    return r == TELEM_OK;
}

static int load_stream(const char *folder, const char *name, bench_stream *s) {
    char path[1300], type[16];
    unsigned rows, columns, has_time, i;
    int ok;
    FILE *f;
    snprintf(path, sizeof path, "%s/schema.txt", folder);
    f = fopen(path, "r");
    if (!f) return 0;
    memset(s, 0, sizeof *s);
    snprintf(s->name, sizeof s->name, "%.120s", name);
    ok = fscanf(f, "%u %u %u", &rows, &columns, &has_time) == 3 && columns > 0;
    s->rows = rows;
    s->columns = columns;
    s->column = (bench_column *)get(columns * sizeof *s->column);
    memset(s->column, 0, columns * sizeof *s->column);
    for (i = 0; ok && i < columns; i++)
        ok = fscanf(f, "%15s %127s", type, s->column[i].name) == 2 && find_type(type, &s->column[i]);
    fclose(f);
    for (i = 0; ok && i < columns; i++) {
        bench_column *c = &s->column[i];
        ok = load_column(folder, i, rows, c);
        s->raw += c->bytes + (c->width ? 0 : 4 * (size_t)rows);
    }
    s->first = ok && has_time && s->column[0].type == TELEM_I64 && columns > 1 ? 1 : 0;
    for (i = 0; ok && i < columns; i++) {
        s->column[i].back = (uint8_t *)get(s->column[i].bytes + 64);
        if (!s->column[i].width) s->column[i].back_offsets = (uint32_t *)get(((size_t)rows + 1) * 4);
    }
    s->back_times = (int64_t *)get(((size_t)rows + 8) * 8);
    return ok && build_schema(s);
}

static int by_stream(const void *a, const void *b) { return strcmp(((const bench_stream *)a)->name, ((const bench_stream *)b)->name); }

static int load_set(const char *data, const char *name, bench_set *set) {
    char folder[600], path[1200];
    struct dirent *e;
    struct stat st;
    DIR *d;
    memset(set, 0, sizeof *set);
    snprintf(set->name, sizeof set->name, "%.120s", name);
    snprintf(folder, sizeof folder, "%.400s/%.150s", data, name);
    d = opendir(folder);
    if (!d) return 0;
    set->stream = (bench_stream *)get(65535 * sizeof *set->stream);
    while ((e = readdir(d)) != NULL && set->count < 65535) {
        if (e->d_name[0] == '.' || strlen(e->d_name) > 120) continue;
        snprintf(path, sizeof path, "%s/%s/schema.txt", folder, e->d_name);
        if (stat(path, &st) != 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (!load_stream(path, e->d_name, &set->stream[set->count])) {
            must(0, "a stream does not load", e->d_name);
            continue;
        }
        set->raw += set->stream[set->count].raw;
        set->values += (size_t)set->stream[set->count].rows * set->stream[set->count].columns;
        set->count++;
    }
    closedir(d);
    qsort(set->stream, set->count, sizeof *set->stream, by_stream);
    return set->count > 0;
}

static void free_set(bench_set *set) {
    uint32_t i, k;
    for (i = 0; i < set->count; i++) {
        bench_stream *s = &set->stream[i];
        for (k = 0; k < s->columns; k++) {
            free(s->column[k].data);
            free(s->column[k].back);
            free(s->column[k].offsets);
            free(s->column[k].back_offsets);
        }
        free(s->column);
        free(s->back_times);
        free(s->memory);
    }
    free(set->stream);
}

/* ---- writing ---- */

typedef struct bench_job { /* memory and columns that are made ready once */
    telem_file_column **columns;
    telem_file_read *reads;
    telem_file_into **into;
    void *memory;
    size_t memory_size;
} bench_job;

static telem_file_writer_desc writer_desc(uint8_t level) {
    telem_file_writer_desc d = TELEM_ZERO;
    d.level = level;
    if (getenv("BENCH_BLOCK")) d.block_bytes = d.key_bytes = (uint32_t)atoi(getenv("BENCH_BLOCK"));
    if (getenv("BENCH_ROWS")) d.block_rows = (uint32_t)atoi(getenv("BENCH_ROWS"));
    if (getenv("BENCH_MAX")) d.max_block = (uint32_t)atoi(getenv("BENCH_MAX"));
    return d;
}

static telem_file_stream_desc stream_desc(const bench_set *set, uint32_t i) {
    telem_file_stream_desc d = TELEM_ZERO;
    d.id = i + 1;
    d.schema = set->stream[i].schema;
    return d;
}

static size_t writer_memory(const bench_set *set, const telem_file_writer_desc *d) {
    size_t n = telem_file_writer_bytes(d);
    uint32_t i;
    for (i = 0; i < set->count; i++) {
        telem_file_stream_desc s = stream_desc(set, i);
        n += telem_file_stream_bytes(d, &s);
    }
    return n;
}

static telem_result write_set(const bench_set *set, bench_job *job, telem_io *io, uint8_t level, uint64_t off) {
    telem_file_writer w;
    telem_file_writer_desc d = writer_desc(level);
    telem_result r, e;
    uint32_t i;
    d.io = io;
    d.memory = job->memory;
    d.memory_size = job->memory_size;
    d.max_streams = set->count > 256 ? set->count : 0;
    r = telem_file_writer_open(&w, &d);
    if (r != TELEM_OK) return r;
#if defined(BENCH_ABLATION)
    w.columns->k.off = off;
#else
    (void)off;
#endif
    for (i = 0; i < set->count && r == TELEM_OK; i++) {
        telem_file_stream_desc sd = stream_desc(set, i);
        r = telem_file_add_stream(&w, &sd);
    }
    for (i = 0; i < set->count && r == TELEM_OK; i++) {
        const bench_stream *s = &set->stream[i];
        r = telem_file_write_columns(&w, i + 1, s->rows, s->first ? (const int64_t *)(const void *)s->column[0].data : NULL, job->columns[i],
                                     s->columns - s->first);
    }
    if (getenv("BENCH_TYPES"))
        for (i = 0; i < set->count; i++) {
            telem_file_writer_stats st;
            (void)telem_file_writer_flush(&w);
            st = telem_file_stream_get_stats(&w, i + 1);
            printf("  %s: %lu bytes, %lu blocks, %lu rows\n", set->stream[i].name, (unsigned long)st.bytes, (unsigned long)st.blocks, (unsigned long)st.rows);
        }
    e = telem_file_writer_close(&w);
    return r != TELEM_OK ? r : e;
}

static void job_make(const bench_set *set, bench_job *job, uint8_t level) {
    uint32_t i, k;
    telem_file_writer_desc d = writer_desc(level);
    memset(job, 0, sizeof *job);
    job->memory_size = writer_memory(set, &d);
    job->memory = get(job->memory_size);
    job->columns = (telem_file_column **)get(set->count * sizeof *job->columns);
    job->into = (telem_file_into **)get(set->count * sizeof *job->into);
    job->reads = (telem_file_read *)get(set->count * sizeof *job->reads);
    memset(job->reads, 0, set->count * sizeof *job->reads);
    for (i = 0; i < set->count; i++) {
        const bench_stream *s = &set->stream[i];
        uint32_t n = s->columns - s->first;
        job->columns[i] = (telem_file_column *)get(n * sizeof **job->columns);
        job->into[i] = (telem_file_into *)get(n * sizeof **job->into);
        memset(job->into[i], 0, n * sizeof **job->into);
        for (k = 0; k < n; k++) {
            bench_column *c = &s->column[s->first + k];
            job->columns[i][k].data = c->data;
            job->columns[i][k].offsets = c->offsets;
            job->into[i][k].column = k;
            job->into[i][k].data = c->back;
            job->into[i][k].offsets = c->back_offsets;
            job->into[i][k].data_size = c->back_offsets ? c->bytes : 0;
        }
        job->reads[i].rows = s->rows;
        job->reads[i].columns = job->into[i];
        job->reads[i].count = n;
        job->reads[i].times = s->first ? s->back_times : NULL;
    }
}

static void job_free(const bench_set *set, bench_job *job) {
    uint32_t i;
    for (i = 0; i < set->count; i++) {
        free(job->columns[i]);
        free(job->into[i]);
    }
    free(job->columns);
    free(job->into);
    free(job->reads);
    free(job->memory);
}

/* ---- reading ---- */

#define READER_MEMORY ((size_t)64 << 20)
static uint8_t *reader_memory;

static telem_result open_reader(telem_file_reader *r, telem_io *io) {
    telem_file_reader_desc d = TELEM_ZERO;
    telem_result e = io->seek(io->user, 0);
    d.io = io;
    d.memory = reader_memory;
    d.memory_size = READER_MEMORY;
    return e != TELEM_OK ? e : telem_file_reader_open(r, &d);
}

static telem_result read_set(const bench_set *set, bench_job *job, telem_io *io) {
    telem_file_reader r;
    telem_result e = open_reader(&r, io);
    uint32_t i;
    if (e == TELEM_OK) e = telem_file_reader_learn(&r);
    if (e != TELEM_OK) return e;
    for (i = 0; i < set->count; i++) job->reads[i].stream = telem_file_reader_find(&r, set->stream[i].name);
    return telem_file_read_columns(&r, job->reads, set->count);
}

static telem_result open_known(telem_file_reader *r, telem_io *io) {
    telem_result e = open_reader(r, io);
    return e == TELEM_OK ? telem_file_reader_learn(r) : e;
}

/* Rows [first, first + rows) of columns [column, column + count) of stream i. The reader is open. */
static telem_result read_part(const bench_set *set, bench_job *job, telem_file_reader *r, uint32_t i, uint32_t column, uint32_t count, uint64_t first, uint64_t rows) {
    telem_file_read q = job->reads[i];
    telem_result e;
    q.stream = telem_file_reader_find(r, set->stream[i].name);
    q.columns += column;
    q.count = count;
    q.first = first;
    q.rows = rows;
    if (count == 1) q.times = NULL;
    e = telem_file_read_columns(r, &q, 1);
    return e == TELEM_OK && q.got != rows ? TELEM_ERR_CORRUPT : e;
}

static void spoil(const bench_set *set) {
    uint32_t i, k;
    for (i = 0; i < set->count; i++) {
        const bench_stream *s = &set->stream[i];
        memset(s->back_times, 0xA5, (size_t)s->rows * 8);
        for (k = 0; k < s->columns; k++) {
            memset(s->column[k].back, 0xA5, s->column[k].bytes);
            if (s->column[k].back_offsets) memset(s->column[k].back_offsets, 0xA5, ((size_t)s->rows + 1) * 4);
        }
    }
}

static int same(const bench_set *set, const char *where) {
    uint32_t i, k;
    int ok = 1;
    for (i = 0; i < set->count; i++) {
        const bench_stream *s = &set->stream[i];
        if (s->first && memcmp(s->back_times, s->column[0].data, (size_t)s->rows * 8) != 0) {
            printf("MISMATCH %s %s: times\n", where, s->name);
            ok = 0;
        }
        for (k = s->first; k < s->columns; k++) {
            const bench_column *c = &s->column[k];
            if (memcmp(c->back, c->data, c->bytes) == 0 &&
                (!c->offsets || memcmp(c->back_offsets, c->offsets, ((size_t)s->rows + 1) * 4) == 0)) continue;
            printf("MISMATCH %s %s.%s\n", where, s->name, c->name);
            ok = 0;
        }
    }
    return ok;
}

/* ---- the others, over the same columns ---- */

#define CHUNK ((size_t)256 << 10)

typedef enum other { COPY, LZ4, ZSTD } other;

/* All columns through one coder; returns the coded bytes. `out` has room; sizes are kept for decoding. */
static size_t code_all(const bench_set *set, other o, uint8_t *out, uint32_t *sizes, void *state) {
    size_t n = 0, chunk = 0;
    uint32_t i, k, part;
    for (i = 0; i < set->count; i++)
        for (k = 0; k < set->stream[i].columns; k++)
            for (part = 0; part < (set->stream[i].column[k].width ? 1u : 2u); part++) {
                const bench_column *c = &set->stream[i].column[k];
                const uint8_t *p = part ? (const uint8_t *)c->offsets : c->data;
                size_t left = part ? 4 * (size_t)set->stream[i].rows : c->bytes;
                while (left) {
                    size_t take = left < CHUNK ? left : CHUNK, z = 0;
                    if (o == COPY) memcpy(out + n, p, z = take);
                    else if (o == LZ4) z = (size_t)LZ4_compress_fast_extState(state, (const char *)p, (char *)out + n, (int)take, LZ4_compressBound((int)take), 1);
#if HAVE_ZSTD
                    else z = ZSTD_compressCCtx((ZSTD_CCtx *)state, out + n, ZSTD_compressBound(take), p, take, 3);
#endif
                    sizes[chunk++] = (uint32_t)z;
                    n += z;
                    p += take;
                    left -= take;
                }
            }
    return n;
}

static void decode_all(const bench_set *set, other o, const uint8_t *in, const uint32_t *sizes, void *state) {
    size_t chunk = 0;
    uint32_t i, k, part;
    for (i = 0; i < set->count; i++)
        for (k = 0; k < set->stream[i].columns; k++)
            for (part = 0; part < (set->stream[i].column[k].width ? 1u : 2u); part++) {
                const bench_column *c = &set->stream[i].column[k];
                uint8_t *p = part ? (uint8_t *)c->back_offsets : c->back;
                size_t left = part ? 4 * (size_t)set->stream[i].rows : c->bytes;
                while (left) {
                    size_t take = left < CHUNK ? left : CHUNK, z = sizes[chunk++];
                    if (o == COPY) memcpy(p, in, take);
                    else if (o == LZ4) (void)LZ4_decompress_safe((const char *)in, (char *)p, (int)z, (int)take);
#if HAVE_ZSTD
                    else (void)ZSTD_decompressDCtx((ZSTD_DCtx *)state, p, take, in, z);
#endif
                    in += z;
                    p += take;
                    left -= take;
                }
            }
    (void)state;
}

typedef struct speeds {
    size_t bytes;
    double write, read; /* MB/s of raw bytes */
} speeds;

static speeds time_other(const bench_set *set, other o) {
    size_t cap = set->raw * 2 + ((size_t)1 << 20) + set->values / 100;
    uint8_t *out = (uint8_t *)get(cap);
    uint32_t *sizes = (uint32_t *)get(4 * (set->values + 65536));
    void *enc = NULL, *dec = NULL;
    speeds s;
    double best = 1e9, begin = now(), t;
    int reps = 0;
    memset(out, 1, cap);
    if (o == LZ4) enc = get((size_t)LZ4_sizeofState());
#if HAVE_ZSTD
    if (o == ZSTD) {
        enc = ZSTD_createCCtx();
        dec = ZSTD_createDCtx();
    }
#endif
    s.bytes = 0;
    while (reps < 2 || now() - begin < seconds_each) {
        t = now();
        s.bytes = code_all(set, o, out, sizes, enc);
        t = now() - t;
        if (t < best) best = t;
        reps++;
    }
    s.write = (double)set->raw / best / 1e6;
    for (best = 1e9, reps = 0, begin = now(); reps < 2 || now() - begin < seconds_each; reps++) {
        t = now();
        decode_all(set, o, out, sizes, dec);
        t = now() - t;
        if (t < best) best = t;
    }
    s.read = (double)set->raw / best / 1e6;
    if (o == LZ4) free(enc);
#if HAVE_ZSTD
    if (o == ZSTD) {
        ZSTD_freeCCtx((ZSTD_CCtx *)enc);
        ZSTD_freeDCtx((ZSTD_DCtx *)dec);
    }
#endif
    free(out);
    free(sizes);
    return s;
}

/* ---- one level of one set ---- */

typedef struct figures {
    size_t bytes, memory;
    double write, read, open, one_column, share, range;
} figures;

static uint32_t biggest(const bench_set *set) {
    uint32_t i, b = 0;
    for (i = 1; i < set->count; i++)
        if (set->stream[i].raw > set->stream[b].raw) b = i;
    return b;
}

/* Best of some runs, in seconds. */
#define BEST(result, code) \
    do { \
        double best_ = 1e9, begin_ = now(); \
        int reps_ = 0; \
        while (reps_ < 2 || now() - begin_ < seconds_each) { \
            double t_ = now(); \
            code; \
            t_ = now() - t_; \
            if (t_ < best_) best_ = t_; \
            reps_++; \
        } \
        result = best_; \
    } while (0)

static int scratch_file(void) {
    char path[600];
    const char *dir = getenv("TMPDIR");
    int fd;
    snprintf(path, sizeof path, "%.500s/telem_bench_XXXXXX", dir ? dir : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    fd = mkstemp(path);
    if (fd >= 0) unlink(path);
    return fd;
}

static figures run_level(const bench_set *set, uint8_t level, uint64_t off) {
    bench_job job;
    figures f;
    telem_result r = TELEM_OK;
    telem_file_reader reader;
    int fd = scratch_file();
    telem_io io = telem_io_fd(fd);
    uint32_t big = biggest(set), middle;
    const bench_stream *b = &set->stream[big];
    uint64_t part = b->rows / 100 ? b->rows / 100 : 1;
    double t;
    memset(&f, 0, sizeof f);
    io.sync = NULL; /* a close would wait for the disk: that is not what is measured */
    job_make(set, &job, level);
    f.memory = job.memory_size;
    BEST(t, if (ftruncate(fd, 0) != 0 || io.seek(io.user, 0) != TELEM_OK) r = TELEM_ERR_IO; if (r == TELEM_OK) r = write_set(set, &job, &io, level, off));
    if (r != TELEM_OK) printf("write: %s\n", telem_result_text(r));
    must(r == TELEM_OK, "writing fails", set->name);
    f.write = (double)set->raw / t / 1e6;
    f.bytes = (size_t)io.size(io.user);
    spoil(set);
    r = read_set(set, &job, &io);
    if (r != TELEM_OK) printf("read: %s\n", telem_result_text(r));
    must(r == TELEM_OK, "reading fails", set->name);
    must(same(set, set->name), "what was read differs", set->name);
    BEST(t, r = read_set(set, &job, &io));
    f.read = (double)set->raw / t / 1e6;
    middle = (b->columns - b->first) / 2;
    BEST(t, r = open_known(&reader, &io));
    must(r == TELEM_OK, "the file does not open", set->name);
    f.open = t * 1e3;
    BEST(t, r = read_part(set, &job, &reader, big, middle, 1, 0, b->rows));
    must(r == TELEM_OK, "one column does not come", set->name);
    f.one_column = t * 1e3;
    f.share = t * 1e6 * f.read / (double)b->column[b->first + middle].bytes; /* to what its part of reading all takes */
    BEST(t, r = read_part(set, &job, &reader, big, 0, b->columns - b->first, b->rows / 2, part));
    must(r == TELEM_OK, "a range does not come", set->name);
    f.range = t * 1e3;
    job_free(set, &job);
    close(fd);
    return f;
}

/* ---- peers.tsv ---- */

static double peer(const char *data, const char *set, const char *column) {
    char path[600], line[4096], *p, *save = NULL;
    int want = -1, i;
    double v = 0;
    FILE *f;
    snprintf(path, sizeof path, "%.500s/peers.tsv", data);
    f = fopen(path, "r");
    if (!f) return 0;
    while (fgets(line, sizeof line, f)) {
        int header = want < 0, mine = 0;
        for (i = 0, p = strtok_r(line, "\t\n", &save); p; p = strtok_r(NULL, "\t\n", &save), i++) {
            if (header && strcmp(p, column) == 0) want = i;
            if (i == 0) mine = strcmp(p, set) == 0;
            if (!header && mine && i == want) v = atof(p);
        }
        if (want < 0) break;
    }
    fclose(f);
    return v;
}

/* The least that any peer needs, the prototype left out. */
static double best_peer(const char *data, const char *set) {
    static const char *const names[] = {"parquet-zstd", "csv+zstd3", "lz4", "zstd3", "zstd19", "hdf5-shuf-gz4", "blosc-shuf-zstd5", "parquet1-zstd",
                                        "parquet2-zstd", "parquet2-zstd19", "turbopfor-best", "pco8", "bcsv-delta-batchlz4", "bcsv-delta-lz4hc9", "mcap-zstd"};
    double best = 0;
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        double v = peer(data, set, names[i]);
        if (v > 0 && (best == 0 || v < best)) best = v;
    }
    return best;
}

typedef struct means {
    double size, write, read, best_worst;
    uint32_t sets, sized, under_yard, under_pco, piloted;
} means;

static int listed(const char *list, const char *word) {
    const char *p = list;
    size_t n = strlen(word);
    while (p && (p = strstr(p, word)) != NULL) {
        if ((p == list || p[-1] == ' ') && (p[n] == 0 || p[n] == ' ')) return 1;
        p++;
    }
    return 0;
}

static int by_text(const void *a, const void *b) { return strcmp((const char *)a, (const char *)b); }

#if defined(BENCH_ABLATION)
/* Each mode of the coding off in turn: what the sets take then, and how fast they go, against all modes on. */
static const struct {
    const char *name;
    uint64_t off;
} modes[] = {{"all on", 0},
             {"ints: sparse", TELEM_I_FILE_OFF_SPARSE},
             {"ints: bins (tANS)", TELEM_I_FILE_OFF_BINNED},
             {"ints: lag", TELEM_I_FILE_OFF_LAG},
             {"ints: delta at lag", TELEM_I_FILE_OFF_LAG_DELTA},
             {"ints: delta of delta", TELEM_I_FILE_OFF_ORDER2},
             {"ints: third difference", TELEM_I_FILE_OFF_ORDER3},
             {"numbers: lattice", TELEM_I_FILE_OFF_NUM_LATTICE},
             {"numbers: decimals", TELEM_I_FILE_OFF_DECIMAL},
             {"numbers: ratios", TELEM_I_FILE_OFF_RATIONAL},
             {"numbers: any base", TELEM_I_FILE_OFF_BASE},
             {"numbers: all multiples", TELEM_I_FILE_OFF_DECIMAL | TELEM_I_FILE_OFF_RATIONAL | TELEM_I_FILE_OFF_BASE},
             {"numbers: ulps", TELEM_I_FILE_OFF_ULPS},
             {"numbers: exceptions", TELEM_I_FILE_OFF_EXCEPTIONS},
             {"numbers: ranks", TELEM_I_FILE_OFF_RANK},
             {"numbers: narrow", TELEM_I_FILE_OFF_NARROW},
             {"numbers: planes", TELEM_I_FILE_OFF_BYTES},
             {"numbers: LZ4", TELEM_I_FILE_OFF_WHOLE_LZ4},
             {"text: dictionary", TELEM_I_FILE_OFF_DICTIONARY},
             {"text: repeats (LZ)", TELEM_I_FILE_OFF_LZ},
             {"text: patterns", TELEM_I_FILE_OFF_TEMPLATE},
             {"index: move to front", TELEM_I_FILE_OFF_FRONT},
             {"index: what followed", TELEM_I_FILE_OFF_FOLLOW},
             {"keys", TELEM_I_FILE_OFF_KEYS},
             {"row repeat", TELEM_I_FILE_OFF_ROWS}};
#define MODES (sizeof modes / sizeof *modes)

static void ablate(const char *data, char names[][128], uint32_t count, uint8_t level) {
    static double size[MODES], write[MODES], read[MODES], most[MODES];
    static char where[MODES][128];
    uint32_t i, sets = 0;
    size_t m;
    for (i = 0; i < count; i++) {
        bench_set set;
        figures all = {0, 0, 0, 0, 0, 0, 0, 0};
        if (!load_set(data, names[i], &set)) continue;
        for (m = 0; m < MODES; m++) {
            figures f = run_level(&set, level, modes[m].off);
            double more;
            if (m == 0) all = f;
            more = (double)f.bytes / (double)all.bytes;
            size[m] += log(more);
            write[m] += log(f.write / all.write);
            read[m] += log(f.read / all.read);
            if (getenv("BENCH_EACH") && m) printf("each.%s.%s size %.4f\n", set.name, modes[m].name, more);
            if (more - 1 <= most[m]) continue;
            most[m] = more - 1;
            snprintf(where[m], sizeof where[m], "%.120s", set.name);
        }
        sets++;
        free_set(&set);
    }
    if (sets == 0) return;
    printf("%-32s %8s %8s %8s   most (size)\n", "off", "size", "write", "read");
    for (m = 0; m < MODES; m++)
        printf("%-32s %8.4f %8.3f %8.3f   %+.1f %% %s\n", modes[m].name, exp(size[m] / sets), exp(write[m] / sets), exp(read[m] / sets), most[m] * 100, where[m]);
}
#endif

int main(int argc, char **argv) {
    static const char *const levels[] = {"default", "fast", "archive"};
    static char names[1000][128];
    static means mean[3];
    const char *data = argc > 1 ? argv[1] : "../shared/data", *only = getenv("BENCH_SETS"), *some = getenv("BENCH_LEVELS");
    uint32_t count = 0, i, k;
    double lz4_write = 0, lz4_read = 0, zstd_write = 0, zstd_read = 0, copy_read = 0;
    struct dirent *e;
    DIR *d = opendir(data);
    if (!d) {
        printf("SKIPPED bench-file: no data at %s\n", data);
        return 0;
    }
    if (getenv("BENCH_SECONDS")) seconds_each = atof(getenv("BENCH_SECONDS"));
    while ((e = readdir(d)) != NULL && count < 1000)
        if (e->d_name[0] != '.' && strlen(e->d_name) < 120 && (!only || listed(only, e->d_name))) snprintf(names[count++], 128, "%.120s", e->d_name);
    closedir(d);
    qsort(names, count, sizeof names[0], by_text);
    reader_memory = (uint8_t *)get(READER_MEMORY);
    memset(reader_memory, 0, READER_MEMORY);
#if defined(BENCH_ABLATION)
    for (k = 0; k < 3; k++)
        if (some ? listed(some, levels[k]) : k == 0) ablate(data, names, count, (uint8_t)k);
    printf(failed ? "FAIL\n" : "all sets read back bit for bit\n");
    free(reader_memory);
    return failed;
#endif
    if (!HAVE_ZSTD) printf("SKIPPED zstd-3 (install package libzstd-dev)\n");
    for (i = 0; i < count; i++) {
        bench_set set;
        speeds copy, lz4, zstd;
        if (!load_set(data, names[i], &set)) continue;
        copy = time_other(&set, COPY);
        lz4 = time_other(&set, LZ4);
        memset(&zstd, 0, sizeof zstd);
        printf("other.%s.memcpy bytes %lu write_MBps %.0f read_MBps %.0f\n", set.name, (unsigned long)copy.bytes, copy.write, copy.read);
        printf("other.%s.lz4 bytes %lu write_MBps %.0f read_MBps %.0f\n", set.name, (unsigned long)lz4.bytes, lz4.write, lz4.read);
        if (HAVE_ZSTD) {
            zstd = time_other(&set, ZSTD);
            printf("other.%s.zstd3 bytes %lu write_MBps %.0f read_MBps %.0f\n", set.name, (unsigned long)zstd.bytes, zstd.write, zstd.read);
            zstd_write += log(zstd.write / lz4.write);
            zstd_read += log(zstd.read / lz4.read);
        }
        copy_read += log(copy.read / lz4.read);
        lz4_write += log(lz4.write);
        lz4_read += log(lz4.read);
        for (k = 0; k < 3; k++) {
            figures f;
            double yard = peer(data, set.name, "parquet-zstd"), pco = peer(data, set.name, "pco8"), best = best_peer(data, set.name);
            if (some && !listed(some, levels[k])) continue;
            f = run_level(&set, (uint8_t)k, 0);
            printf("file.%s.%s bytes %lu bits_per_value %.3f writer_bytes %lu write_MBps %.0f read_MBps %.0f one_column_ms %.3f range1pct_ms %.3f\n", set.name,
                   levels[k], (unsigned long)f.bytes, (double)f.bytes * 8 / (double)set.values, (unsigned long)f.memory, f.write, f.read, f.one_column, f.range);
            printf("ratio.%s.%s write_to_lz4 %.2f read_to_lz4 %.2f open_ms %.3f one_column_to_share %.1f", set.name, levels[k], f.write / lz4.write,
                   f.read / lz4.read, f.open, f.share);
            if (yard > 0) printf(" size_to_yardstick %.3f size_to_pco8 %.3f size_to_best %.3f", (double)f.bytes / yard, (double)f.bytes / pco, (double)f.bytes / best);
            printf("\n");
            fflush(stdout);
            mean[k].write += log(f.write / lz4.write);
            mean[k].read += log(f.read / lz4.read);
            mean[k].sets++;
            if (yard <= 0) continue;
            mean[k].size += log((double)f.bytes / yard);
            mean[k].sized++;
            mean[k].under_yard += (double)f.bytes < yard;
            mean[k].under_pco += (double)f.bytes < pco;
            if ((double)f.bytes / best > mean[k].best_worst) mean[k].best_worst = (double)f.bytes / best;
        }
        free_set(&set);
    }
    for (k = 0; k < 3; k++) {
        const means *m = &mean[k];
        if (m->sets == 0) continue;
        printf("mean.%s sets %u write_to_lz4 %.3f read_to_lz4 %.3f", levels[k], (unsigned)m->sets, exp(m->write / m->sets), exp(m->read / m->sets));
        if (m->sized)
            printf(" size_to_yardstick %.4f of %u sets: smaller than yardstick %u, than pco8 %u; worst to best peer %.3f", exp(m->size / m->sized), (unsigned)m->sized,
                   (unsigned)m->under_yard, (unsigned)m->under_pco, m->best_worst);
        printf("\n");
    }
    if (mean[0].sets || mean[1].sets || mean[2].sets) {
        uint32_t n = mean[0].sets ? mean[0].sets : mean[1].sets ? mean[1].sets : mean[2].sets;
        printf("mean.lz4 write_MBps %.0f read_MBps %.0f; memcpy reads %.2f x that", exp(lz4_write / n), exp(lz4_read / n), exp(copy_read / n));
        if (HAVE_ZSTD) printf("; zstd-3 writes %.2f x, reads %.2f x", exp(zstd_write / n), exp(zstd_read / n));
        printf("\n");
    }
    free(reader_memory);
    printf(failed ? "FAIL\n" : "all sets read back bit for bit\n");
    return failed;
}
