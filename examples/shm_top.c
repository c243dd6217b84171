/* cc -O2 -I. examples/shm_top.c -o shm_top */
/* Looks into shared segments while they live: memory, slots, writers, readers with their lag and losses,
   rates, and each stream's latest values with units. On a terminal the view refreshes until Ctrl-C;
   into a pipe or a file it is written once. It observes: no segment notices that it looks, and read
   permission is enough.

       shm_top                 all segments, a line each (just one: all about it)
       shm_top imu 'cam*'      all about these
       shm_top --json imu      the same for programs
       shm_top --collect       removes what dead publishers left */
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem_shm.h"
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { EXIT_FAIL = 1, EXIT_USAGE = 2, SEGMENTS = 64, STREAMS = 64, PARTS = 16, LATEST_MAX = 1 << 20 };

static const char help[] =
    "usage: shm_top [options] [NAME...]\n"
    "What is in telem's shared segments, live. NAME may hold * and ?; without one: all segments.\n"
    "\n"
    "  -d, --delay SECONDS  between two views, and what rates are measured over (1)\n"
    "  -n, --count COUNT    views, then it ends (on a terminal: no end, else 1)\n"
    "  -D, --dir DIR        where the segments lie (/dev/shm)\n"
    "  -j, --json           one JSON object per view and line; 64-bit integers are strings\n"
    "      --collect        remove the segments that fit and whose processes are all gone\n"
    "  -h, --help           this text\n"
    "\n"
    "json  {segments: [{name, state (alive, silent, dead, closed, replaced), owner_pid, head,\n"
    "      frames_per_s, bytes_per_s, layout: [{name, object, offset, bytes}], slots: [{bytes, count,\n"
    "      free, held, published, pinned}], writers: [{name, pid, alive, frames, ...}], readers: [{name,\n"
    "      pid, alive, lag, lost, delivered, ...}], streams: [{id, name, frames_per_s, age_s, latest}]}]}\n"
    "      or {name, error} for a segment that may not be read\n"
    "\n"
    "exit: 0 ok, 1 no such segment or no access, 2 usage\n"
    "\n"
    "examples:\n"
    "  shm_top pendulum\n"
    "  shm_top --json pendulum | jq '.segments[0].readers[] | {name, lag, lost}'\n";

static struct {
    const char *dir;
    double delay;
    long count;
    int json, collect, tty, color, patterns;
    char **pattern;
} opt = {NULL, 1.0, 0, 0, 0, 0, 0, 0, NULL};

static volatile sig_atomic_t stop;
static void on_signal(int number) {
    (void)number;
    stop = 1;
}

static void die(const char *what, const char *name, const char *why) {
    fprintf(stderr, "shm_top: %s%s%s\n", what, name ? name : "", why);
    exit(EXIT_FAIL);
}

/* ----------------------------------------------------------------------------------- text ---- */

static char *out; /* one view, written at once */
static size_t out_used, out_size;

#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
static void put(const char *format, ...) {
    va_list args;
    int n;
    if (out_size - out_used < 8192) {
        out = (char *)realloc(out, out_size = out_size * 2 + 65536);
        if (!out) die("out of memory", NULL, "");
    }
    va_start(args, format);
    n = vsnprintf(out + out_used, 8192, format, args);
    va_end(args);
    out_used += n < 0 ? 0 : n < 8192 ? (size_t)n : 8191u;
}

/* Names and values come from other processes: nothing of them may steer the terminal. */
static void clean(char *s) {
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7F) *s = '?';
}

/* A text as JSON, by the printer of rows: it knows UTF-8 and what to escape. */
#define TEXT_TABLE(F) F(STRING, text, 255, "")
TELEM_DEFINE(Text, TEXT_TABLE, "");
static void put_json_text(const char *s) {
    static char json[2048];
    Text t = TELEM_ZERO;
    uint8_t row[sizeof t];
    size_t n;
    t.text.len = (uint32_t)strlen(s);
    if (t.text.len > sizeof t.text.data) t.text.len = sizeof t.text.data;
    memcpy(t.text.data, s, t.text.len);
    if (telem_schema_pack(&Text_schema, &t, row) != TELEM_OK) return;
    n = telem_row_print_json(&Text_schema, row, 0, json, sizeof json); /* {"text":"..."} */
    put("%.*s", (int)n - 9, json + 8);
}

static const char *grouped(uint64_t v) { /* 12,345 */
    static char ring[8][28];
    static int at;
    char *p = ring[at++ & 7] + 27;
    int digits = 0;
    *p = 0;
    do {
        if (digits && digits % 3 == 0) *--p = ',';
        *--p = (char)('0' + v % 10);
        digits++;
    } while ((v /= 10) != 0);
    return p;
}

static const char *rounded(double v) { return grouped(v < 1e18 ? (uint64_t)(v + 0.5) : UINT64_MAX); }

static const char *amount(double v, const char *unit) { /* 12.3 MB */
    static char ring[8][24];
    static int at;
    static const char prefix[] = " kMGTP";
    char *p = ring[at++ & 7];
    int k = 0;
    while (v >= 999.5 && k < 5) v /= 1000, k++;
    if (k == 0) snprintf(p, 24, "%.0f %s", v, unit);
    else snprintf(p, 24, v < 9.995 ? "%.2f %c%s" : v < 99.95 ? "%.1f %c%s" : "%.0f %c%s", v, prefix[k], unit);
    return p;
}

static const char *span(double s) { /* 12 ms */
    static char ring[4][24];
    static int at;
    char *p = ring[at++ & 3];
    if (!(s > 0)) snprintf(p, 24, "0 s");
    else if (s < 0.0995) snprintf(p, 24, "%.1f ms", s * 1e3);
    else if (s < 99.5) snprintf(p, 24, "%.1f s", s);
    else if (s < 5940) snprintf(p, 24, "%.0f min", s / 60);
    else snprintf(p, 24, "%.0f h", s / 3600);
    return p;
}

/* -------------------------------------------------------------------------------- looking ---- */

typedef struct stream {
    uint32_t id, content, elements, size;
    char name[48];
    const telem_schema *schema;
    void *schema_memory;
    uint64_t frames, bytes, frames_was, bytes_was; /* seen, and seen at the sample before */
    double hz, bytes_hz;
    int64_t time;
    double copied_at;
    char text[4096]; /* the latest record as JSON or text */
} stream;

typedef struct segment {
    char name[TELEM_SHM_NAME_MAX + 1];
    telem_result error;
    int open, listed;
    uint32_t generation, health;
    uint64_t id;
    telem_shm_reader r;
    stream streams[STREAMS];
    uint32_t stream_count;
    double at;                   /* of the sample before */
    uint64_t head, bytes;        /* then */
    uint64_t delivered, lost;    /* then */
    double hz, bytes_hz, seen;   /* since; seen: the part of the frames that was looked at */
} segment;

static segment *segments[SEGMENTS];
static int segment_count;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static telem_shm *shm_of(const segment *g) { return telem_shm_reader_segment(&g->r); }

static void learn(segment *g, stream *s) {
    static uint64_t buf[1 << 15];
    telem_shm_entry e;
    int64_t n;
    free(s->schema_memory);
    s->schema = NULL;
    s->schema_memory = NULL;
    snprintf(s->name, sizeof s->name, s->id == TELEM_SHM_PARTS ? "(parts)" : "(not declared)");
    if (s->id > TELEM_SHM_STREAM_MAX ||
        telem_shm_stream_find(shm_of(g), s->id, &e, buf, sizeof buf) != TELEM_OK)
        return;
    snprintf(s->name, sizeof s->name, "%s", e.name);
    clean(s->name);
    s->content = e.content;
    n = e.value_bytes ? telem_schema_decode_bytes(e.value, e.value_bytes, NULL) : 0;
    if (n <= 0 || !(s->schema_memory = malloc((size_t)n))) return;
    (void)telem_schema_decode(e.value, e.value_bytes, s->schema_memory, (size_t)n, &s->schema, NULL);
}

static stream *stream_of(segment *g, uint32_t id) {
    uint32_t i, now = telem_shm_generation(shm_of(g));
    for (i = 0; now != g->generation && i < g->stream_count; i++) learn(g, &g->streams[i]);
    g->generation = now;
    for (i = 0; i < g->stream_count; i++)
        if (g->streams[i].id == id) return &g->streams[i];
    if (g->stream_count == STREAMS) return NULL;
    memset(&g->streams[i], 0, sizeof g->streams[i]);
    g->streams[i].id = id;
    learn(g, &g->streams[i]);
    g->stream_count++;
    return &g->streams[i];
}

/* Declared streams are listed before their first frame. */
static void learn_all(segment *g) {
    static uint64_t buf[1 << 15];
    telem_shm_entry e;
    uint32_t at = 0;
    while (telem_shm_entry_next(shm_of(g), &at, &e, buf, sizeof buf) == TELEM_OK)
        if (e.kind == TELEM_SHM_STREAM) (void)stream_of(g, e.stream);
}

/* Copied payload of n bytes: the rows of `s`, if that is what they are. */
static void keep(stream *s, int64_t time, const void *data, uint64_t n) {
    uint32_t row = s->schema ? telem_schema_row_size(s->schema) : 0;
    s->time = time;
    s->size = (uint32_t)n;
    s->elements = row && n % row == 0 ? (uint32_t)(n / row) : 0;
    s->text[0] = 0;
    if (s->elements == 0) return;
    if (opt.json) {
        if (telem_row_print_json(s->schema, data, TELEM_PRINT_INT64_STRING, s->text, sizeof s->text) >=
            sizeof s->text)
            s->text[0] = 0;
    } else telem_row_print_text(s->schema, data, TELEM_PRINT_UNITS, s->text, sizeof s->text);
    clean(s->text);
}

static void count(stream *s, int64_t time, uint64_t n) {
    s->frames++;
    s->bytes += n;
    s->time = time;
    s->size = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static void take_parts(segment *g, const telem_shm_frame *f, const void *data) {
    telem_shm_part p;
    uint64_t at = 0;
    while (telem_shm_part_next(data, f->len, &at, &p) == TELEM_OK) {
        stream *s = stream_of(g, p.stream);
        if (!s) continue;
        count(s, f->time, p.size);
        keep(s, f->time, p.data, p.size);
        s->elements = p.count;
    }
}

/* Small payloads are copied whenever they come, larger ones ten times a second, huge ones never. */
static void take(segment *g, telem_shm_frame *f, double now) {
    static uint64_t buf[LATEST_MAX / 8];
    int wanted = f->len <= sizeof buf && !(f->flags & TELEM_SHM_CHUNK);
    stream *s;
    if (f->stream == TELEM_SHM_PARTS && wanted && telem_shm_copy(&g->r, f, buf, sizeof buf) == TELEM_OK) {
        take_parts(g, f, buf);
        return;
    }
    s = stream_of(g, f->stream);
    if (!s) return;
    count(s, f->time, f->len);
    if (f->len > 256 && (now - s->copied_at < 0.1 || !s->schema)) wanted = 0;
    if (!wanted || f->stream == TELEM_SHM_PARTS || telem_shm_copy(&g->r, f, buf, sizeof buf) != TELEM_OK)
        return;
    s->copied_at = now;
    keep(s, f->time, buf, f->len);
}

static void drain(segment *g) {
    telem_shm_frame f;
    telem_result r;
    double now = now_s();
    long budget = 65536;
    while (budget-- > 0 && ((r = telem_shm_next(&g->r, &f)) == TELEM_OK || r == TELEM_ERR_CORRUPT))
        if (r == TELEM_OK) take(g, &f, now);
}

static uint64_t bytes_of(const segment *g, const telem_shm_segment *info) {
    telem_shm_writer_info w;
    uint64_t n = 0;
    uint32_t i;
    for (i = 0; i < info->writers; i++)
        if (telem_shm_writer_info_get(shm_of(g), i, &w) == TELEM_OK) n += w.bytes;
    return n;
}

static void forget_streams(segment *g) {
    uint32_t i;
    for (i = 0; i < g->stream_count; i++) free(g->streams[i].schema_memory);
    g->stream_count = 0;
    learn_all(g);
}

/* Rates since the last time. */
static void sample(segment *g, const telem_shm_segment *info) {
    double now = now_s(), dt = now - g->at;
    uint64_t bytes = bytes_of(g, info), got = g->r.delivered - g->delivered, lost = g->r.lost - g->lost;
    uint32_t i;
    if (g->id != info->id) forget_streams(g); /* the reader went on to another segment of the name */
    g->id = info->id;
    if (g->at > 0 && dt > 0) {
        g->hz = info->head >= g->head ? (double)(info->head - g->head) / dt : 0; /* lower: a new segment */
        g->bytes_hz = bytes >= g->bytes ? (double)(bytes - g->bytes) / dt : 0;
        g->seen = got + lost ? (double)got / (double)(got + lost) : 1;
    }
    g->at = now, g->head = info->head, g->bytes = bytes, g->delivered = g->r.delivered, g->lost = g->r.lost;
    g->health = telem_shm_health(&g->r);
    for (i = 0; i < g->stream_count; i++) {
        stream *s = &g->streams[i];
        double scale = dt > 0 && g->seen > 0 ? 1 / (dt * g->seen) : 0;
        s->hz = (double)(s->frames - s->frames_was) * scale;
        s->bytes_hz = (double)(s->bytes - s->bytes_was) * scale;
        s->frames_was = s->frames, s->bytes_was = s->bytes;
    }
}

static telem_result open_segment(segment *g) {
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_reader_desc d = TELEM_ZERO;
    a.name = g->name;
    a.dir = opt.dir;
    a.observe = 1;
    d.start = TELEM_SHM_FRESH;
    g->error = telem_shm_reader_open(&g->r, &a, &d);
    if (g->error != TELEM_OK) return g->error;
    g->open = 1;
    g->at = 0;
    g->seen = 1;
    return TELEM_OK;
}

/* A stream that is seldom written says something at once: what is in the ring already is read. */
static void look_back(segment *g) {
    telem_shm_segment info;
    telem_shm_frame f;
    uint64_t n;
    if (telem_shm_info(shm_of(g), &info) != TELEM_OK) return;
    sample(g, &info);
    for (n = info.head > info.frames ? info.head - info.frames : 0; n < info.head; n++)
        if (telem_shm_get(&g->r, n, &f) == TELEM_OK) take(g, &f, 0);
    for (n = 0; n < g->stream_count; n++)
        g->streams[n].frames_was = g->streams[n].frames, g->streams[n].bytes_was = g->streams[n].bytes;
}

static int on_name(void *user, const char *name, int alive) {
    int i;
    segment *g;
    (void)user, (void)alive;
    for (i = 0; i < segment_count; i++)
        if (strcmp(segments[i]->name, name) == 0) return (segments[i]->listed = 1), 0;
    if (segment_count == SEGMENTS) return 1;
    g = (segment *)calloc(1, sizeof *g);
    if (!g) die("out of memory", NULL, "");
    snprintf(g->name, sizeof g->name, "%s", name);
    g->listed = 1;
    segments[segment_count++] = g;
    return 0;
}

static void close_segment(segment *g) {
    uint32_t i;
    if (g->open) telem_shm_reader_close(&g->r);
    for (i = 0; i < g->stream_count; i++) free(g->streams[i].schema_memory);
    free(g);
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(segment *const *)a)->name, (*(segment *const *)b)->name);
}

/* New ones are opened; those whose name is gone are forgotten. */
static void find_segments(void) {
    int i, n = 0;
    for (i = 0; i < segment_count; i++) segments[i]->listed = 0;
    for (i = 0; i < (opt.patterns ? opt.patterns : 1); i++) {
        int64_t r = telem_shm_list(opt.dir, opt.patterns ? opt.pattern[i] : NULL, on_name, NULL);
        if (r < 0)
            die("cannot list ", opt.dir ? opt.dir : "/dev/shm",
                r == TELEM_ERR_NOT_FOUND ? ": no such directory" : ": no access");
    }
    for (i = 0; i < segment_count; i++) {
        segment *g = segments[i];
        if (!g->listed) close_segment(g);
        else segments[n++] = g;
    }
    segment_count = n;
    for (i = 0; i < n; i++)
        if (!segments[i]->open && open_segment(segments[i]) == TELEM_OK) look_back(segments[i]);
    qsort(segments, (size_t)n, sizeof segments[0], by_name);
}

/* ---------------------------------------------------------------------------------- layout ---- */

typedef struct part {
    char letter;
    const char *name, *object;
    uint64_t at, bytes;
} part;

static uint32_t add_part(part *p, uint32_t n, char letter, const char *name, const char *object, uint64_t at,
                         uint64_t bytes) {
    p[n].letter = letter, p[n].name = name, p[n].object = object, p[n].at = at, p[n].bytes = bytes;
    return bytes ? n + 1 : n;
}

/* What lies where: telem_shm.h's LAYOUT in short. What no part names is alignment. */
static uint32_t layout_of(const segment *g, const telem_shm_segment *s, part *p) {
    static const char *const class_name[] = {"slots", "larger slots", "still larger", "largest slots"};
    telem_shm_class_info c;
    uint64_t slots = 0, words;
    uint32_t i, n = 0;
    uint64_t ring = (uint64_t)s->frames * (s->inline_bytes + 16u), ring_at = 512u + s->directory_bytes;
    for (i = 0; i < s->classes; i++)
        if (telem_shm_class_info_get(shm_of(g), i, &c) == TELEM_OK) slots += c.count;
    words = (slots * 8u + 63u) & ~(uint64_t)63u;
    n = add_part(p, n, 'h', "header", "data", 0, 512);
    n = add_part(p, n, 'd', "directory", "data", 512, s->directory_bytes);
    n = add_part(p, n, 'f', "frames", "data", ring_at, ring);
    n = add_part(p, n, 'w', "slot words", "data", ring_at + ring, words);
    for (i = 0; i < s->classes; i++)
        if (telem_shm_class_info_get(shm_of(g), i, &c) == TELEM_OK)
            n = add_part(p, n, (char)('1' + i), class_name[i], "data", c.offset, c.bytes * c.count);
    n = add_part(p, n, 't', "tables", "control", 0, 128u + 128u * ((uint64_t)s->writers + s->readers));
    n = add_part(p, n, 'p', "pins", "control", 128u + 128u * ((uint64_t)s->writers + s->readers), words);
    if (s->control_ring)
        n = add_part(p, n, 'c', "control rings", "control",
                     128u + 128u * ((uint64_t)s->writers + s->readers) + words,
                     (uint64_t)s->readers * (128u + s->control_ring));
    return n;
}

/* `cells` characters in proportion to the parts' bytes; each part has at least one. */
static void put_bar(const part *p, uint32_t n, int cells) {
    static const char *const color[] = {"\033[44m", "\033[45m", "\033[46m",
                                        "\033[42m", "\033[43m", "\033[41m"};
    uint64_t all = 0, rest;
    uint32_t i;
    int left = cells - (int)n;
    for (i = 0; i < n; i++) all += p[i].bytes;
    for (i = 0, rest = all; i < n; i++) {
        int k = rest ? (int)((double)left * (double)p[i].bytes / (double)rest + 0.5) : 0, j;
        if (opt.color) put("%s", color[i % 6]);
        for (j = 0; j < k + 1; j++) put("%c", p[i].letter);
        if (opt.color) put("\033[0m");
        left -= k, rest -= p[i].bytes;
    }
}

/* ------------------------------------------------------------------------------------ view ---- */

static const char *const health_name[] = {"alive", "silent", "dead", "closed", "replaced"};
static const char *health_of(const segment *g) {
    return g->health <= TELEM_SHM_REPLACED ? health_name[g->health] : "?";
}

static const char *strong(const char *s) { return opt.color ? s : ""; }
#define BOLD strong("\033[1m")
#define WARN strong("\033[1;31m")
#define DIM strong("\033[2m")
#define PLAIN strong("\033[0m")

static void put_legend(const part *p, uint32_t n, int width) {
    uint32_t i;
    int column = 2;
    for (i = 0; i < n; i++) {
        char item[64];
        int k = snprintf(item, sizeof item, "%c %s %s%s", p[i].letter, p[i].name,
                         amount((double)p[i].bytes, "B"), i + 1 < n ? ", " : "");
        if (column + k > width) put("\n  "), column = 2;
        put("%s", item);
        column += k;
    }
}

static void put_memory(const segment *g, const telem_shm_segment *s, int width) {
    part p[PARTS];
    uint32_t n = layout_of(g, s, p);
    put("  memory %s: data %s, control %s\n", amount((double)(s->data_bytes + s->control_bytes), "B"),
        amount((double)s->data_bytes, "B"), amount((double)s->control_bytes, "B"));
    put("  [");
    put_bar(p, n, (width < 44 ? 44 : width > 120 ? 120 : width) - 4);
    put("]\n  ");
    put_legend(p, n, width);
    put("\n  %s frames of history, up to %u B inline; directory %s of %s B used\n", grouped(s->frames),
        (unsigned)s->inline_bytes, grouped(s->directory_used), grouped(s->directory_bytes));
}

static void put_classes(const segment *g, const telem_shm_segment *s) {
    telem_shm_class_info c;
    uint32_t i;
    for (i = 0; i < s->classes; i++) {
        part p[3];
        uint32_t n = 0;
        if (telem_shm_class_info_get(shm_of(g), i, &c) != TELEM_OK) continue;
        n = add_part(p, n, '#', "", "", 0, c.published);
        n = add_part(p, n, '+', "", "", 0, c.held);
        n = add_part(p, n, '.', "", "", 0, c.free);
        put("  slots %u   %s x %s  [", (unsigned)(i + 1), grouped(c.count), amount((double)c.bytes, "B"));
        put_bar(p, n, 24);
        put("]  # %u published, + %u held, . %u free; %u pinned\n", (unsigned)c.published, (unsigned)c.held,
            (unsigned)c.free, (unsigned)c.pinned);
    }
}

static void put_writers(const segment *g, const telem_shm_segment *s) {
    telem_shm_writer_info w;
    uint32_t i;
    put("  %s%-14s %7s  %-9s %10s %7s %7s %8s %7s%s\n", DIM, "WRITER", "PID", "STATE", "FRAMES", "NO SLOT",
        "REFUSED", "EXPELLED", "WAITED", PLAIN);
    for (i = 0; i < s->writers; i++) {
        if (telem_shm_writer_info_get(shm_of(g), i, &w) != TELEM_OK || !(w.taken || w.alive)) continue;
        put("  %-14.14s %7u  %s%-9s%s %10s %7s %7s %8s %7s\n", w.name[0] ? w.name : "-", (unsigned)w.pid,
            w.alive ? "" : WARN, w.alive ? "alive" : "dead", PLAIN, grouped(w.frames), grouped(w.no_slot),
            grouped(w.refused), grouped(w.expelled), span((double)w.waited * 1e-9));
    }
}

/* Lapped: what it wants next is overwritten; it will count that as lost when it moves. */
static const char *reader_state(const telem_shm_segment *s, const telem_shm_reader_info *r) {
    if (!r->alive) return "dead";
    if (r->expelled) return "expelled";
    if (r->lag > s->frames) return "lapped";
    if (r->reliable) return "reliable";
    return r->sleeping ? "asleep" : "awake";
}

static void put_readers(const segment *g, const telem_shm_segment *s) {
    telem_shm_reader_info r;
    uint32_t i, n = 0;
    for (i = 0; i < s->readers; i++) {
        if (telem_shm_reader_info_get(shm_of(g), i, &r) != TELEM_OK || !(r.taken || r.alive)) continue;
        if (n++ == 0)
            put("  %s%-14s %7s  %-9s %10s %7s %7s %8s %7s%s\n", DIM, "READER", "PID", "STATE", "DELIVERED",
                "LAG", "LOST", "FILTERED", "PINS", PLAIN);
        put("  %-14.14s %7u  %s%-9s%s %10s %7s %s%7s%s %8s %7u\n", r.name[0] ? r.name : "-", (unsigned)r.pid,
            r.alive && !r.expelled && r.lag <= s->frames ? "" : WARN, reader_state(s, &r), PLAIN,
            grouped(r.delivered), grouped(r.lag),
            r.lost ? WARN : "", grouped(r.lost), PLAIN, grouped(r.filtered), (unsigned)r.pins);
    }
    if (n == 0)
        put("  %sno reader is registered (%u may be; observers do not show)%s\n", DIM, (unsigned)s->readers,
            PLAIN);
}

/* Seconds since a record's time, where its clock counts what we can read, else -1. */
static double age_of(const telem_shm_segment *s, int64_t time) {
    telem_clock c = s->clock.domain == TELEM_DOMAIN_BOOT ? telem_clock_monotonic() : telem_clock_utc();
    if (s->clock.domain > TELEM_DOMAIN_UTC) return -1;
    return ((double)(int64_t)c.read(c.user) - (double)telem_ticks_to_ns(&s->clock, time)) * 1e-9;
}

static void put_streams(const segment *g, const telem_shm_segment *s) {
    uint32_t i;
    put("  %s%-14s %5s %8s %8s %7s  %s%s\n", DIM, "STREAM", "ID", "FRAMES/S", "BYTES/S", "AGE",
        g->seen < 0.999 ? "LATEST (rates from a sample)" : "LATEST", PLAIN);
    for (i = 0; i < g->stream_count; i++) {
        const stream *t = &g->streams[i];
        double age = t->frames ? age_of(s, t->time) : -1;
        put("  %-14.14s %5u %8.*f %8s %7s  ", t->name, (unsigned)t->id, t->hz < 99.95 ? 1 : 0, t->hz,
            amount(t->bytes_hz, "B"), age < 0 ? "-" : span(age));
        if (t->frames == 0) put("-\n");
        else if (t->elements > 1) put("[%s] %s ..\n", grouped(t->elements), t->text);
        else if (t->text[0]) put("%s\n", t->text);
        else if (t->content) put("%s B, content %u\n", grouped(t->size), (unsigned)t->content);
        else put("%s B\n", grouped(t->size));
    }
}

static const char *advice(const segment *g) {
    if (g->health == TELEM_SHM_DEAD)
        return "its writer died: readers go on when it is started again; shm_top --collect removes it";
    if (g->health == TELEM_SHM_SILENT)
        return "a writer lives, but nothing was published and no heartbeat came for a second";
    if (g->health == TELEM_SHM_CLOSED) return "its owner left and kept it for the next one";
    return NULL;
}

static void put_error(const segment *g) {
    put("%s%s%s  %scannot look: %s%s\n", BOLD, g->name, PLAIN, WARN, telem_result_text(g->error),
        g->error == TELEM_ERR_ACCESS ? "; its publisher decides by desc.mode who may read it" : "");
}

static void put_segment(segment *g, int width) {
    telem_shm_segment s;
    if (!g->open || telem_shm_info(shm_of(g), &s) != TELEM_OK) {
        put_error(g);
        return;
    }
    put("%s%s%s  %s%s%s, %s frames/s, %s/s", BOLD, g->name, PLAIN, g->health == TELEM_SHM_ALIVE ? BOLD : WARN,
        health_of(g), PLAIN, rounded(g->hz), amount(g->bytes_hz, "B"));
    put(", %s frames in all, owner %u%s", grouped(s.head), (unsigned)s.owner_pid,
        s.owner_alive ? "" : " (gone)");
    put(", session %08" PRIx64, s.session >> 32);
    if (s.takeovers) put(", taken over %u x", (unsigned)s.takeovers);
    put("\n");
    if (advice(g)) put("  %s%s%s\n", WARN, advice(g), PLAIN);
    put_memory(g, &s, width);
    put_classes(g, &s);
    put("\n");
    put_writers(g, &s);
    put_readers(g, &s);
    put("\n");
    put_streams(g, &s);
}

static void put_line(segment *g) {
    telem_shm_segment s;
    telem_shm_reader_info r;
    uint32_t i, readers = 0;
    if (!g->open || telem_shm_info(shm_of(g), &s) != TELEM_OK) {
        put("%-20s %scannot look: %s%s\n", g->name, WARN, telem_result_text(g->error), PLAIN);
        return;
    }
    for (i = 0; i < s.readers; i++)
        readers += telem_shm_reader_info_get(shm_of(g), i, &r) == TELEM_OK && r.taken && r.alive ? 1u : 0u;
    put("%-20.20s %7u  %s%-8s%s %10s %9s %9s %7u\n", g->name, (unsigned)s.owner_pid,
        g->health == TELEM_SHM_ALIVE ? "" : WARN, health_of(g), PLAIN, rounded(g->hz),
        amount(g->bytes_hz, "B"), amount((double)(s.data_bytes + s.control_bytes), "B"), (unsigned)readers);
}

static void put_view(int width) {
    int i;
    if (segment_count == 0)
        put("no segment%s in %s\n", opt.patterns ? " of such a name" : "", opt.dir ? opt.dir : "/dev/shm");
    else if (opt.patterns == 0 && segment_count > 1) {
        put("%s%-20s %7s  %-8s %10s %9s %9s %7s%s\n", DIM, "SEGMENT", "OWNER", "STATE", "FRAMES/S", "BYTES/S",
            "MEMORY", "READERS", PLAIN);
        for (i = 0; i < segment_count; i++) put_line(segments[i]);
    } else
        for (i = 0; i < segment_count; i++) {
            if (i) put("\n");
            put_segment(segments[i], width);
        }
}

/* ------------------------------------------------------------------------------------ JSON ---- */

#define U64(name, v) put("\"" name "\":\"%" PRIu64 "\"", (uint64_t)(v))
#define U32(name, v) put("\"" name "\":%u", (unsigned)(v))
#define BOOL(name, v) put("\"" name "\":%s", (v) ? "true" : "false")
#define NUMBER(name, v) put("\"" name "\":%.9g", (v))
#define COMMA put(",")

static void json_text(const char *key, const char *s) {
    put("\"%s\":", key);
    put_json_text(s);
}

static void json_layout(const segment *g, const telem_shm_segment *s) {
    part p[PARTS];
    uint32_t i, n = layout_of(g, s, p);
    put("\"layout\":[");
    for (i = 0; i < n; i++) {
        put("%s{", i ? "," : "");
        json_text("name", p[i].name), COMMA, json_text("object", p[i].object), COMMA;
        U64("offset", p[i].at), COMMA, U64("bytes", p[i].bytes), put("}");
    }
    put("],\"slots\":[");
    for (i = 0; i < s->classes; i++) {
        telem_shm_class_info c = TELEM_ZERO;
        (void)telem_shm_class_info_get(shm_of(g), i, &c);
        put("%s{", i ? "," : "");
        U64("bytes", c.bytes), COMMA, U32("count", c.count), COMMA, U32("free", c.free), COMMA;
        U32("held", c.held), COMMA, U32("published", c.published), COMMA, U32("pinned", c.pinned), put("}");
    }
    put("]");
}

static void json_writers(const segment *g, const telem_shm_segment *s) {
    telem_shm_writer_info w;
    uint32_t i, n = 0;
    put("\"writers\":[");
    for (i = 0; i < s->writers; i++) {
        if (telem_shm_writer_info_get(shm_of(g), i, &w) != TELEM_OK || !(w.taken || w.alive)) continue;
        put("%s{", n++ ? "," : "");
        json_text("name", w.name), COMMA, U32("pid", w.pid), COMMA, BOOL("alive", w.alive), COMMA;
        U64("frames", w.frames), COMMA, U64("bytes", w.bytes), COMMA, U64("no_slot", w.no_slot), COMMA;
        U64("refused", w.refused), COMMA, U64("aborted", w.aborted), COMMA, U64("expelled", w.expelled),
            COMMA;
        U64("waited_ns", w.waited), put("}");
    }
    put("]");
}

static void json_readers(const segment *g, const telem_shm_segment *s) {
    telem_shm_reader_info r;
    uint32_t i, n = 0;
    put("\"readers\":[");
    for (i = 0; i < s->readers; i++) {
        if (telem_shm_reader_info_get(shm_of(g), i, &r) != TELEM_OK || !(r.taken || r.alive)) continue;
        put("%s{", n++ ? "," : "");
        json_text("name", r.name), COMMA, U32("pid", r.pid), COMMA, BOOL("alive", r.alive), COMMA;
        BOOL("reliable", r.reliable), COMMA, BOOL("expelled", r.expelled), COMMA, BOOL("asleep", r.sleeping),
            COMMA, BOOL("lapped", r.lag > s->frames), COMMA;
        U64("next", r.next), COMMA, U64("lag", r.lag), COMMA, U64("delivered", r.delivered), COMMA;
        U64("lost", r.lost), COMMA, U64("filtered", r.filtered), COMMA, U32("pins", r.pins), put("}");
    }
    put("]");
}

static void json_streams(const segment *g, const telem_shm_segment *s) {
    uint32_t i;
    put("\"streams\":[");
    for (i = 0; i < g->stream_count; i++) {
        const stream *t = &g->streams[i];
        double age = t->frames ? age_of(s, t->time) : -1;
        put("%s{", i ? "," : "");
        U32("id", t->id), COMMA, json_text("name", t->name), COMMA, U32("content", t->content), COMMA;
        NUMBER("frames_per_s", t->hz), COMMA, NUMBER("bytes_per_s", t->bytes_hz), COMMA;
        if (age < 0) put("\"age_s\":null,");
        else NUMBER("age_s", age), COMMA;
        put("\"time\":\"%" PRId64 "\",", t->time);
        U32("bytes", t->size), COMMA, U32("elements", t->elements), COMMA;
        put("\"latest\":%s}", t->text[0] ? t->text : "null");
    }
    put("]");
}

static void json_segment(segment *g) {
    telem_shm_segment s;
    put("{");
    json_text("name", g->name), COMMA;
    if (!g->open || telem_shm_info(shm_of(g), &s) != TELEM_OK) {
        json_text("error", telem_result_text(g->error));
        put("}");
        return;
    }
    json_text("state", health_of(g)), COMMA, U32("owner_pid", s.owner_pid), COMMA,
        BOOL("owner_alive", s.owner_alive), COMMA;
    U64("id", s.id), COMMA, U64("session", s.session), COMMA, U32("takeovers", s.takeovers), COMMA;
    put("\"created_utc_ns\":\"%" PRId64 "\",", s.created);
    U64("data_bytes", s.data_bytes), COMMA, U64("control_bytes", s.control_bytes), COMMA,
        U32("frames", s.frames), COMMA;
    U32("inline_bytes", s.inline_bytes), COMMA, U32("directory_used", s.directory_used), COMMA,
        BOOL("hash", s.hash), COMMA;
    U64("head", s.head), COMMA, NUMBER("frames_per_s", g->hz), COMMA, NUMBER("bytes_per_s", g->bytes_hz),
        COMMA;
    NUMBER("seen", g->seen), COMMA;
    json_layout(g, &s), COMMA, json_writers(g, &s), COMMA, json_readers(g, &s), COMMA, json_streams(g, &s);
    put("}");
}

static void json_view(void) {
    int i;
    put("{\"segments\":[");
    for (i = 0; i < segment_count; i++) {
        if (i) COMMA;
        json_segment(segments[i]);
    }
    put("]}\n");
}

/* -------------------------------------------------------------------------------- terminal ---- */

static void write_all(const char *p, size_t n) {
    while (n > 0) {
        ssize_t k = write(STDOUT_FILENO, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) exit(errno == EPIPE ? 0 : EXIT_FAIL); /* `| head` has what it wanted */
        p += k;
        n -= (size_t)k;
    }
}

/* Bytes of a line that fill `width` columns: colours and the inside of UTF-8 characters take none. */
static size_t crop(const char *p, size_t n, int width) {
    size_t i;
    int esc = 0;
    for (i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == 0x1B) esc = 1;
        else if (esc) esc = c != 'm';
        else if ((c & 0xC0) != 0x80 && width-- <= 0) break;
    }
    return i;
}

/* The view over the one before: each line cut to the terminal, its rest and the rest below erased. */
static void write_screen(int width, int height) {
    char *view = out;
    size_t used = out_used, at = 0;
    int line = 0;
    out = NULL, out_used = out_size = 0;
    put("\033[H");
    while (at < used && line++ < height - 1) {
        char *end = (char *)memchr(view + at, '\n', used - at);
        size_t n = end ? (size_t)(end - (view + at)) : used - at;
        put("%.*s%s\033[K\n", (int)crop(view + at, n, width), view + at, opt.color ? "\033[0m" : "");
        at += n + 1;
    }
    put("\033[J");
    write_all(out, out_used);
    free(view);
}

static void terminal_size(int *width, int *height) {
    struct winsize w;
    *width = 110, *height = 50;
    if (!opt.tty || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0 || w.ws_row == 0) return;
    *width = w.ws_col, *height = w.ws_row;
}

static void show(void) {
    int width, height;
    terminal_size(&width, &height);
    out_used = 0;
    if (opt.json) json_view();
    else put_view(width);
    if (opt.tty && !opt.json) write_screen(width, height);
    else write_all(out, out_used);
}

static void sample_all(void) {
    telem_shm_segment info;
    int i;
    for (i = 0; i < segment_count; i++)
        if (segments[i]->open && telem_shm_info(shm_of(segments[i]), &info) == TELEM_OK)
            sample(segments[i], &info);
}

/* Frames are looked at as they come: a ring of 64 at 1 kHz lasts 64 ms. */
static void watch(double seconds) {
    double end = now_s() + seconds;
    struct timespec nap = {0, 10000000};
    int i;
    while (!stop && now_s() < end) {
        nanosleep(&nap, NULL);
        for (i = 0; i < segment_count; i++)
            if (segments[i]->open) drain(segments[i]);
    }
}

static int run(void) {
    long n;
    find_segments();
    if (segment_count == 0 && opt.patterns && !opt.tty)
        die("no such segment: ", opt.pattern[0],
            "; is its publisher running? shm_top without a name lists all");
    if (opt.tty && !opt.json) write_all("\033[?25l\033[2J", 10);
    for (n = 0; !stop && (opt.count == 0 || n < opt.count); n++) {
        watch(n == 0 && opt.tty && opt.delay > 0.3 ? 0.3 : opt.delay); /* the first view soon */
        sample_all();
        find_segments();
        show();
    }
    if (opt.tty && !opt.json) write_all("\033[?25h", 6);
    return 0;
}

static int on_used(void *user, const char *name, int alive) {
    (void)name;
    *(int *)user += alive;
    return 0;
}

static int collect(void) {
    int64_t n = 0;
    int i, in_use = 0;
    for (i = 0; i < (opt.patterns ? opt.patterns : 1); i++) {
        int64_t r = telem_shm_collect(opt.dir, opt.patterns ? opt.pattern[i] : NULL);
        if (r < 0)
            die("cannot remove from ", opt.dir ? opt.dir : "/dev/shm",
                r == TELEM_ERR_NOT_FOUND ? ": no such directory" : ": no access");
        n += r;
        (void)telem_shm_list(opt.dir, opt.patterns ? opt.pattern[i] : NULL, on_used, &in_use);
    }
    printf("%d removed, %d in use\n", (int)n, in_use);
    return 0;
}

static int usage(void) {
    fputs("shm_top: see shm_top --help\n", stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv) {
    static const struct option longs[] = {
        {"delay", 1, NULL, 'd'},   {"count", 1, NULL, 'n'}, {"dir", 1, NULL, 'D'}, {"json", 0, NULL, 'j'},
        {"collect", 0, NULL, 'c'}, {"help", 0, NULL, 'h'},  {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "d:n:D:jh", longs, NULL)) != -1) {
        if (c == 'd') opt.delay = strtod(optarg, NULL);
        else if (c == 'n') opt.count = strtol(optarg, NULL, 10);
        else if (c == 'D') opt.dir = optarg;
        else if (c == 'j') opt.json = 1;
        else if (c == 'c') opt.collect = 1;
        else if (c == 'h') return fputs(help, stdout), 0;
        else return usage();
    }
    if (!(opt.delay >= 0.01 && opt.delay <= 3600) || opt.count < 0) return usage();
    opt.pattern = argv + optind;
    opt.patterns = argc - optind;
    if (opt.collect) return collect();
    opt.tty = isatty(STDOUT_FILENO) && !opt.json;
    opt.color = opt.tty && !getenv("NO_COLOR");
    if (opt.count == 0 && !opt.tty) opt.count = 1;
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGPIPE, SIG_IGN);
    return run();
}
