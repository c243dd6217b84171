/* record.h - what vitals.c and vehicle.c share: records go through one ring into one file, and
   reading the file back proves that nothing changed on the way.

       producers --record_log--> ring --record_drain--> file --record_verify--> a table

   Each stream is logged by one thread, which hashes what it logs: time and row form of every
   record that the ring took. record_verify hashes the same of what it finds in the file. A record
   that the ring refused is in neither hash; the ring counts it, and the file tells it. */
#ifndef RECORD_H
#define RECORD_H

#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include "telem_file.h"
#define XXH_INLINE_ALL
#include "xxhash.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define RECORD_MAX_ROW 512u  /* bytes: the largest row form here */
#define RECORD_MAX_LANES 8u  /* the shared one included */
#define RECORD_KEY "xxh64"   /* metadata of each stream: its hash at the producer */

enum { RECORD_OK = 0, RECORD_FAILED = 1, RECORD_USAGE = 2, RECORD_LOST = 3 }; /* exit codes */

typedef struct record_stream {
    const char *name;
    const telem_schema *schema;
    /* the producer's */
    XXH64_state_t hash;
    uint64_t taken, refused; /* by the ring */
    /* what the file holds: record_verify */
    XXH64_state_t found;
    uint64_t rows, bytes, csv; /* bytes as they are, and of the same rows as CSV */
    int64_t first, last;       /* times of the first and the last row */
    int told;                  /* 1: the hash in the file's metadata is right */
} record_stream;

typedef struct record_options {
    const char *program, *path;
    double seconds;
    uint32_t lane_bytes;
    int quiet, verify;
} record_options;

/* Opened by record_open. Streams have their places in `streams` as ids. */
typedef struct recorder {
    record_options o;
    telem_clock clock; /* of all records */
    const char *clock_name;
    record_stream *streams;
    uint32_t count, lanes;
    telem_ring *ring;
    telem_ring_reader reader;
    telem_file_writer writer;
    telem_io io;
    int fd;
    void *ring_memory, *file_memory, *copy;
    uint64_t refused[RECORD_MAX_LANES]; /* told to the file so far, by lane */
    int64_t looked;                     /* when record_losses last did */
    uint64_t told;                      /* losses found in the file */
} recorder;

/* ------------------------------------------------------------------------------- options ---- */

static int record_failed(const recorder *r, const char *what, telem_result why) {
    fprintf(stderr, "%s: %s: %s\n", r->o.program, what, telem_result_text(why));
    return RECORD_FAILED;
}

/* The number behind an option; a usage error when there is none. */
static int record_number(int argc, char **argv, double min, double max, double *v) {
    char *end;
    double x;
    if (argc < 2) return -1;
    x = strtod(argv[1], &end);
    if (end == argv[1] || *end != '\0' || !(x >= min && x <= max)) return -1;
    *v = x;
    return 2;
}

/* The options that both programs know. Returns the words used, 0: not one of them, -1: wrong. */
static int record_option(record_options *o, int argc, char **argv) {
    double v;
    if (strcmp(argv[0], "-q") == 0) return o->quiet = 1;
    if (strcmp(argv[0], "--verify") == 0) return o->verify = 1;
    if (strcmp(argv[0], "--no-verify") == 0) return o->verify = 0, 1;
    if (strcmp(argv[0], "-t") == 0) return record_number(argc, argv, 0.0, 4e6, &o->seconds);
    if (strcmp(argv[0], "-o") == 0) return argc < 2 ? -1 : (o->path = argv[1], 2);
    if (strcmp(argv[0], "-b") != 0) return 0;
    if (record_number(argc, argv, 512, 1 << 24, &v) < 0) return -1;
    o->lane_bytes = (uint32_t)v;
    return (o->lane_bytes & (o->lane_bytes - 1)) == 0 ? 2 : -1;
}

static int record_usage(const record_options *o, const char *word) {
    fprintf(stderr, "%s: %s: no such option, or a wrong value; see %s --help\n", o->program, word,
            o->program);
    return RECORD_USAGE;
}

#define RECORD_OPTIONS_HELP \
    "  -t SECONDS   how long (10; 0: until Ctrl-C)\n" \
    "  -o FILE      where to\n" \
    "  -b BYTES     of each lane of the ring, a power of two (262144); small ones lose records\n" \
    "  -q           no progress line, no table\n" \
    "  --no-verify  do not read the file back\n"

static volatile sig_atomic_t record_interrupted;
static void record_on_signal(int sig) {
    (void)sig;
    record_interrupted = 1;
}

/* Ctrl-C ends the recording like its time: with an end block and the table. */
static void record_catch_signals(void) {
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_handler = record_on_signal;
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    a.sa_handler = SIG_IGN; /* a file size limit is then an error of write, told like any other */
    sigaction(SIGXFSZ, &a, NULL);
}

/* Is the recording over? */
static int record_over(const recorder *r, double elapsed) {
    return record_interrupted || (r->o.seconds > 0.0 && elapsed >= r->o.seconds);
}

/* --------------------------------------------------------------------------------- clocks ---- */

#define RECORD_UTC 1u /* id of the clock beside the records' own, which is 0 */

/* record_sync, record_note and record_text may go unchecked: the writer keeps its first error, and
   record_close tells it. */

/* The same moment on both clocks: ours between two readings of UTC, so half their distance is how
   wrong it can be. */
static telem_result record_sync(recorder *r) {
    telem_clock utc = telem_clock_utc();
    telem_sync s = TELEM_ZERO;
    uint64_t before = utc.read(utc.user), now = r->clock.read(r->clock.user),
             after = utc.read(utc.user);
    s.clock_b = RECORD_UTC;
    s.ticks_a = (int64_t)now;
    s.ticks_b = (int64_t)(before + (after - before) / 2);
    s.uncertainty = (after - before + 1) / 2;
    return telem_file_write_sync(&r->writer, &s);
}

/* A remark at this moment, for people. */
static telem_result record_note(recorder *r, const char *text) {
    telem_annotation a = TELEM_ZERO;
    a.stream = TELEM_ALL_STREAMS;
    a.level = TELEM_LEVEL_INFO;
    a.time = (int64_t)r->clock.read(r->clock.user);
    a.text = text;
    return telem_file_annotate(&r->writer, &a);
}

static telem_result record_text(recorder *r, uint32_t stream, const char *key, const char *text) {
    telem_metadata m = TELEM_ZERO;
    m.stream = stream;
    m.type = TELEM_VALUE_TEXT;
    m.key = key;
    m.data = text;
    return telem_file_write_metadata(&r->writer, &m);
}

/* ----------------------------------------------------------------------------------- open ---- */

static telem_result record_open_ring(recorder *r) {
    telem_ring_desc d = TELEM_ZERO;
    telem_ring_reader_desc rd = TELEM_ZERO;
    telem_result result;
    d.lanes = r->lanes;
    d.lane_bytes = d.shared_bytes = r->o.lane_bytes;
    d.policy = TELEM_RING_REFUSE; /* what was taken stays; what is too much is told */
    d.memory_size = telem_ring_bytes(&d);
    d.memory = r->ring_memory = malloc(d.memory_size);
    if (d.memory == NULL) return TELEM_ERR_MEMORY;
    result = telem_ring_init(&r->ring, &d);
    if (result != TELEM_OK) return result;
    rd.gating = 1; /* holds space until it has read: that makes the writers' refusals exact */
    rd.copy_size = telem_ring_max_record(r->ring);
    rd.copy = r->copy = malloc(rd.copy_size); /* for a record that lies around the ring's end */
    if (rd.copy == NULL) return TELEM_ERR_MEMORY;
    return telem_ring_reader_init(&r->reader, r->ring, &rd);
}

static telem_result record_open_writer(recorder *r, telem_file_writer_desc *d) {
    telem_file_stream_desc s = TELEM_ZERO;
    telem_clock utc = telem_clock_utc();
    telem_result result;
    d->io = &r->io;
    d->created = (int64_t)utc.read(utc.user);
    d->lz4 = 1;
    d->memory_size = telem_file_writer_bytes(d);
    for (s.id = 0; s.id < r->count; s.id++) {
        s.schema = r->streams[s.id].schema;
        d->memory_size += telem_file_stream_bytes(d, &s);
    }
    d->memory = r->file_memory = malloc(d->memory_size);
    if (d->memory == NULL) return TELEM_ERR_MEMORY;
    if ((result = telem_file_writer_open(&r->writer, d)) != TELEM_OK) return result;
    if ((result = telem_file_add_clock(&r->writer, 0, &r->clock, r->clock_name)) != TELEM_OK)
        return result;
    return telem_file_add_clock(&r->writer, RECORD_UTC, &utc, "utc");
}

static telem_result record_open_streams(recorder *r) {
    telem_file_stream_desc d = TELEM_ZERO;
    telem_result result = TELEM_OK;
    for (d.id = 0; d.id < r->count && result == TELEM_OK; d.id++) {
        record_stream *s = &r->streams[d.id];
        if (telem_schema_row_size(s->schema) > RECORD_MAX_ROW) return TELEM_ERR_LIMIT;
        d.name = s->name;
        d.schema = s->schema;
        XXH64_reset(&s->hash, 0);
        XXH64_reset(&s->found, 0);
        result = telem_file_add_stream(&r->writer, &d);
    }
    return result;
}

/* A log is written where it will be looked for, not to a temporary name: after a crash, what is
   there is a valid file. */
static int record_open(recorder *r) {
    telem_file_writer_desc d = TELEM_ZERO;
    telem_result result;
    record_catch_signals();
    r->fd = open(r->o.path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (r->fd < 0) {
        fprintf(stderr, "%s: %s: %s\n", r->o.program, r->o.path, strerror(errno));
        return RECORD_FAILED;
    }
    r->io = telem_io_fd(r->fd);
    result = record_open_ring(r);
    if (result == TELEM_OK) result = record_open_writer(r, &d);
    if (result == TELEM_OK) result = record_open_streams(r);
    return result == TELEM_OK ? RECORD_OK : record_failed(r, r->o.path, result);
}

/* --------------------------------------------------------------------------------- logging ---- */

static void record_hash(XXH64_state_t *h, int64_t time, const void *row, uint32_t size) {
    uint8_t bytes[8];
    telem_put64(bytes, (uint64_t)time);
    XXH64_update(h, bytes, sizeof bytes);
    XXH64_update(h, row, size);
}

/* One record into the ring; called by the stream's one thread. The hash is this program's proof,
   not part of logging: a push alone is what another program would do here. */
static void record_log(recorder *r, telem_ring_writer *w, uint32_t stream, int64_t time,
                       const void *rec) {
    record_stream *s = &r->streams[stream];
    uint8_t row[RECORD_MAX_ROW];
    if (telem_ring_push(w, stream, time, rec, s->schema->size) != TELEM_OK) {
        s->refused++;
        return;
    }
    s->taken++;
    if (!r->o.verify || telem_schema_pack(s->schema, rec, row) != TELEM_OK) return;
    record_hash(&s->hash, time, row, telem_schema_row_size(s->schema));
}

/* All of these records were stamped between `first` and `last`: the ring keeps the first stamp of
   all that it ever refused, so a later report can only begin at the look before it. */
static telem_loss record_loss(const recorder *r, const telem_ring_counts *c, uint64_t before) {
    telem_loss loss = TELEM_ZERO;
    loss.stream = c->refused_stream == TELEM_RING_MANY ? TELEM_ALL_STREAMS : c->refused_stream;
    loss.hop = TELEM_HOP_RING_REFUSED;
    loss.cause = TELEM_CAUSE_FULL;
    loss.count = c->refused - before;
    loss.has_span = 1;
    loss.last = c->refused_last;
    loss.first = before == 0 ? c->refused_first : r->looked;
    if (loss.first > loss.last) loss.first = loss.last; /* stamped, then pushed while we looked */
    loss.text = "the ring was full";
    return loss;
}

/* What the ring had to refuse since the last look goes into the file as a loss, lane by lane. */
static telem_result record_losses(recorder *r) {
    int64_t look = (int64_t)r->clock.read(r->clock.user);
    telem_result result = TELEM_OK;
    uint32_t lane;
    for (lane = 0; lane <= r->lanes && result == TELEM_OK; lane++) {
        telem_ring_counts c;
        telem_loss loss;
        if ((result = telem_ring_lane_stats(r->ring, lane, &c)) != TELEM_OK) break;
        if (c.refused == r->refused[lane]) continue;
        loss = record_loss(r, &c, r->refused[lane]);
        r->refused[lane] = c.refused;
        result = telem_file_write_loss(&r->writer, &loss);
    }
    r->looked = look;
    return result;
}

/* Everything that the ring holds goes into the file. Called by one thread, the only one that
   touches the file. */
static telem_result record_drain(recorder *r) {
    telem_ring_record rec;
    telem_result result;
    while ((result = telem_ring_peek(&r->reader, &rec)) == TELEM_OK) {
        result = telem_file_write(&r->writer, rec.stream, rec.time, rec.data);
        if (result != TELEM_OK) return result;
        if ((result = telem_ring_release(&r->reader)) != TELEM_OK) return result;
    }
    if (result != TELEM_EMPTY && result != TELEM_AGAIN) return result;
    return record_losses(r);
}

/* Only for a person who watches. */
static void record_progress(const recorder *r, double elapsed, int last) {
    telem_file_writer_stats st = telem_file_writer_get_stats(&r->writer);
    if (r->o.quiet || !isatty(STDERR_FILENO)) return;
    fprintf(stderr, "\r%s: %.1f s, %llu rows, %.1f kB%s", r->o.program, elapsed,
            (unsigned long long)st.rows, (double)st.bytes / 1e3, last ? "\r\033[K" : "  ");
}

/* ----------------------------------------------------------------------------------- close ---- */

static telem_result record_write_hashes(recorder *r) {
    telem_result result = TELEM_OK;
    char hex[20];
    uint32_t i;
    for (i = 0; i < r->count && r->o.verify && result == TELEM_OK; i++) {
        snprintf(hex, sizeof hex, "%016llx", (unsigned long long)XXH64_digest(&r->streams[i].hash));
        result = record_text(r, i, RECORD_KEY, hex);
    }
    return result;
}

static void record_free(recorder *r) {
    free(r->ring_memory);
    free(r->file_memory);
    free(r->copy);
    r->ring_memory = r->file_memory = r->copy = NULL;
}

/* The producers have ended. `result` is the drain's; close tells the first error of all. */
static int record_close(recorder *r, telem_result result) {
    telem_result closed;
    int bad;
    if (result == TELEM_OK) result = record_drain(r);
    if (result == TELEM_OK) result = record_write_hashes(r);
    closed = telem_file_writer_close(&r->writer);
    if (result == TELEM_OK) result = closed;
    bad = fsync(r->fd) != 0 && errno != EINVAL; /* EINVAL: a pipe or a device */
    bad |= close(r->fd) != 0;
    telem_ring_reader_deinit(&r->reader);
    record_free(r);
    if (result == TELEM_OK && !bad) return RECORD_OK;
    return record_failed(r, r->o.path, result != TELEM_OK ? result : TELEM_ERR_IO);
}

/* --------------------------------------------------------------------------------- verify ---- */

/* Bytes of this row in a CSV file: the time in seconds, the cells, the line's end. */
static uint64_t record_csv_bytes(const telem_file_item *item) {
    char text[64];
    double s = (double)telem_ticks_to_ns(&item->stream->clock, item->time) / 1e9;
    return telem_print_f64(text, sizeof text, s) + 2 +
           telem_row_print_csv(item->stream->schema, item->data, 0, NULL, 0);
}

static void record_found_row(record_stream *s, const telem_file_item *item) {
    record_hash(&s->found, item->time, item->data, item->stream->row_size);
    if (s->rows++ == 0) {
        s->first = item->time;
        s->csv =
            telem_schema_print_csv_header(item->stream->schema, TELEM_PRINT_UNITS, NULL, 0) + 5;
    }
    s->last = item->time;
    s->csv += record_csv_bytes(item);
}

static void record_found_hash(record_stream *s, const telem_metadata *m) {
    char hex[20];
    if (m->key_len != strlen(RECORD_KEY) || memcmp(m->key, RECORD_KEY, m->key_len) != 0) return;
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)XXH64_digest(&s->hash));
    s->told = m->type == TELEM_VALUE_TEXT && m->size == 16 && memcmp(m->data, hex, 16) == 0;
}

/* One thing of the file. 0: something that must not be in a file that was just written. */
static int record_found(recorder *r, const telem_file_item *item) {
    switch (item->kind) {
    case TELEM_ITEM_ROW:
        if (item->stream->id >= r->count) return 0;
        record_found_row(&r->streams[item->stream->id], item);
        return 1;
    case TELEM_ITEM_METADATA:
        if (item->metadata.stream < r->count)
            record_found_hash(&r->streams[item->metadata.stream], &item->metadata);
        return 1;
    case TELEM_ITEM_LOSS: r->told += item->loss.count; return 1;
    case TELEM_ITEM_DAMAGE:
    case TELEM_ITEM_MISSING:
        fprintf(stderr, "%s: %s: byte %llu: %s\n", r->o.program, r->o.path,
                (unsigned long long)item->error.offset, item->error.what);
        return 0;
    default: return 1;
    }
}

static telem_result record_read_all(recorder *r, telem_file_reader *rd,
                                    const telem_file_reader_desc *d) {
    telem_file_item item;
    telem_result result = telem_file_reader_open(rd, d);
    int good = 1;
    uint32_t i;
    if (result != TELEM_OK) return result;
    while ((result = telem_file_next(rd, &item)) == TELEM_OK) good &= record_found(r, &item);
    if (result != TELEM_END) return result;
    for (i = 0; i < telem_file_reader_stream_count(rd); i++) {
        const telem_file_stream *s = telem_file_reader_stream(rd, i);
        if (s != NULL && s->id < r->count) r->streams[s->id].bytes = s->bytes;
    }
    return good && telem_file_reader_ended(rd) ? TELEM_OK : TELEM_ERR_CORRUPT;
}

/* The file from the disk, through the reader that everybody uses. */
static telem_result record_read_back(recorder *r) {
    static telem_file_reader rd;
    telem_file_reader_desc d = TELEM_ZERO;
    telem_result result;
    int fd = open(r->o.path, O_RDONLY);
    telem_io io = telem_io_fd(fd);
    if (fd < 0) return TELEM_ERR_ACCESS;
    d.io = &io;
    d.memory_size = 16u << 20;
    d.memory = malloc(d.memory_size);
    result = d.memory != NULL ? record_read_all(r, &rd, &d) : TELEM_ERR_MEMORY;
    free(d.memory);
    close(fd);
    return result;
}

static int record_same(const record_stream *s) {
    return s->rows == s->taken && s->told && XXH64_digest(&s->hash) == XXH64_digest(&s->found);
}

static double record_rate(const recorder *r, const record_stream *s) {
    double span = (double)telem_ticks_to_ns(&r->clock, s->last - s->first) * 1e-9;
    return s->rows > 1 && span > 0 ? (double)(s->rows - 1) / span : 0.0;
}

static void record_line(const char *name, uint64_t rows, const char *rate, double bytes, double csv,
                        uint64_t lost, const char *word) {
    printf("%-16s %9llu %9s %9.2f %8.1fx %7llu  %s\n", name, (unsigned long long)rows, rate,
           rows > 0 ? bytes / (double)rows : 0.0, bytes > 0 ? csv / bytes : 0.0,
           (unsigned long long)lost, word);
}

/* The table: "vs CSV" says how many times larger the same rows are as CSV. */
static int record_table(const recorder *r) {
    uint64_t rows = 0, bytes = 0, csv = 0, lost = 0;
    char rate[32];
    int good = 1;
    uint32_t i;
    if (!r->o.quiet)
        printf("%-16s %9s %9s %9s %9s %7s  %s\n", "stream", "rows", "rows/s", "bytes/row", "vs CSV",
               "lost", "hash");
    for (i = 0; i < r->count; i++) {
        const record_stream *s = &r->streams[i];
        int same = record_same(s);
        rows += s->rows, bytes += s->bytes, csv += s->csv, lost += s->refused;
        good &= same;
        if (same && r->o.quiet) continue;
        snprintf(rate, sizeof rate, "%.1f", record_rate(r, s));
        record_line(s->name, s->rows, rate, (double)s->bytes, (double)s->csv, s->refused,
                    same ? "verified" : "DIFFERS");
    }
    if (lost != r->told) {
        fprintf(stderr, "%s: the file tells of %llu lost records, the threads of %llu\n",
                r->o.program, (unsigned long long)r->told, (unsigned long long)lost);
        good = 0;
    }
    if (!r->o.quiet)
        record_line("all", rows, "", (double)bytes, (double)csv, lost,
                    good ? "verified" : "DIFFERS");
    return good;
}

/* Reads the file back and compares. The exit code of the program. */
static int record_verify(recorder *r) {
    uint64_t lost = 0;
    uint32_t i;
    for (i = 0; i < r->count; i++) lost += r->streams[i].refused;
    if (r->o.verify) {
        telem_result result = record_read_back(r);
        if (result != TELEM_OK) return record_failed(r, r->o.path, result);
        if (!record_table(r)) return RECORD_FAILED;
    }
    return lost > 0 ? RECORD_LOST : RECORD_OK;
}

#endif /* RECORD_H */
