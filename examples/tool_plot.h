/* tool_plot.h - telem plot: a file as an SVG, one group of panels for each stream. Numbers of one
   unit share a panel; enums, flags and text are lanes below. Long series are cut down to first,
   lowest, highest and last of each pixel column, so that no peak is lost (M4: Jugel et al.,
   "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014). */

static const char plot_help[] =
    "usage: telem plot [options] FILE\n"
    "Draws a telem file, or a feed (DIR/NAME), as an SVG: a panel for each stream and unit, lanes for enums, flags and\n"
    "text, red where rows were lost, marks for annotations. FILE may be - for standard input.\n"
    "\n"
    "  -o, --output OUT   the picture (default: standard output)\n"
    "  -s, --stream S     only these streams: names or patterns, a comma list, repeatable\n"
    "  -F, --fields F     only these fields: ax,pos.x,motor[2]; pos chooses all of pos\n"
    "      --start T      from this time on:  5s 250ms   after the start\n"
    "      --end T        up to this time:    @12.5      on the stream's own clock\n"
    "                                         2026-11-20T12:00:00Z   UTC, on a UTC clock\n"
    "      --last D       the last D, such as 10s\n"
    "      --width N      pixels, 300 to 20000 (default 1000)\n"
    "  -h, --help         this text\n"
    "\n"
    "Without --fields counters and raw bytes are left out, and at most 48 columns of a stream\n"
    "drawn. Fields marked monotonic, such as bytes since boot, are drawn minus their first value.\n"
    "An annotation outside of the rows stands at the edge with an arrow.\n"
    "\n"
    "exit: 0 ok, 1 failure, 2 usage, 3 drawn, but data was lost\n"
    "\n"
    "examples:\n"
    "  telem plot flight.tlm -o flight.svg\n"
    "  telem plot flight.tlm --stream imu --fields ax,az --last 10s | rsvg-convert > imu.png\n";

#define PLOT_LEFT     104
#define PLOT_RIGHT    18
#define PLOT_PANEL    110 /* height of a panel of lines */
#define PLOT_LANE     16
#define PLOT_COLUMNS  48 /* drawn of one stream unless fields are chosen */
#define PLOT_IN_PANEL 8  /* lines in one panel */
#define PLOT_IN_ARRAY 16 /* the same for the elements of one array */
#define PLOT_TEXTS    4000

static const char *const plot_colours[] = {"#3b82c4", "#e07b39", "#3a9f6b", "#c94f6d",
                                           "#8b6bd1", "#a8872c", "#2aa3a3", "#a06a58"};
#define PLOT_COLOURS (sizeof plot_colours / sizeof *plot_colours)

/* What fell into one pixel column. */
typedef struct plot_bucket {
    double first, last, low, high;
    float x_first, x_last;
    uint32_t n;
    uint8_t gap; /* something is missing before it */
} plot_bucket;

typedef struct plot_series {
    const column *col;
    char *label;
    plot_bucket *buckets;
    double first; /* of a counter since boot, which is drawn from there on */
    uint8_t from_first, begun;
    uint64_t n;
    double low, high;
    uint32_t absent, usual; /* rows without a value since the last one, and before that one */
    uint8_t gap;
} plot_series;

typedef struct plot_band {
    double from, to; /* pixels */
    uint32_t value;
    char *label;
} plot_band;

typedef struct plot_bands {
    plot_band *at;
    size_t n, cap;
    uint8_t open; /* the last one goes on */
} plot_bands;

/* A row of coloured bands: an enum, a bool, one bit, or texts. */
typedef struct plot_lane {
    const column *col;
    int bit; /* -1: the value itself */
    char *label;
    plot_bands bands;
} plot_lane;

typedef struct plot_stream {
    const telem_file_stream *stream; /* of the present session, or NULL */
    char *name, *schema_name;
    uint64_t fingerprint, rows, missing, lost;
    columns cols;
    plot_series *series;
    plot_lane *lanes;
    size_t n_series, n_lanes, left_out;
    plot_bands losses;
    telem_clock clock;
    int64_t origin, first, last; /* ns: where x begins; ticks: of the rows drawn */
    bounds in;
    double x_before;
    uint8_t chosen, seen, gap;
} plot_stream;

typedef struct plot {
    source *src;
    names streams, fields;
    range want;
    const char *output;
    int width;
    plot_stream **all;
    size_t n, recent;
    spans time_spans;
    uint64_t session;
    uint64_t lost;    /* of no stream in particular */
    double from, to;  /* seconds from the origin */
    plot_bands marks; /* annotations */
    text body;
    double y;
} plot;

/* ---- text of an SVG ---- */

static void text_xml(text *t, const char *s, size_t n) {
    text plain = {NULL, 0, 0};
    size_t i;
    text_plain(&plain, s, n);
    for (i = 0; i < plain.n; i++) switch (plain.s[i]) {
        case '&': text_puts(t, "&amp;"); break;
        case '<': text_puts(t, "&lt;"); break;
        case '>': text_puts(t, "&gt;"); break;
        case '"': text_puts(t, "&quot;"); break;
        default: text_add(t, plain.s + i, 1);
        }
    free(plain.s);
}

static size_t utf8_count(const char *s) {
    size_t n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

/* Width of small text; no font can be asked, so it is a generous guess. */
static double text_width(const char *s) { return 6.4 * (double)utf8_count(s); }

static void plot_label(text *t, double x, double y, const char *css, const char *more,
                       const char *s) {
    text_printf(t, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\"%s>", x, y, css, more);
    text_xml(t, s, strlen(s));
    text_puts(t, "</text>\n");
}

/* ---- bands ---- */

static plot_band *bands_add(plot_bands *b, double from, double to, uint32_t value,
                            const char *label) {
    plot_band *p;
    if (b->n == b->cap) {
        b->cap = b->cap * 2 + 16;
        b->at = (plot_band *)grow(b->at, b->cap * sizeof *b->at);
    }
    p = &b->at[b->n++];
    p->from = from;
    p->to = to;
    p->value = value;
    p->label = label ? copy_string(label) : NULL;
    return p;
}

/* A state from x on. Changes faster than half a pixel fall together. */
static void bands_state(plot_bands *b, double x, uint32_t value, const char *label) {
    plot_band *p = b->n ? &b->at[b->n - 1] : NULL;
    if (p && b->open && p->value == value) {
        p->to = x;
        return;
    }
    if (p && b->open) p->to = x;
    if (p && b->open && x - p->from < 0.5) {
        free(p->label);
        p->value = value;
        p->label = label ? copy_string(label) : NULL;
        return;
    }
    bands_add(b, x, x, value, label);
    b->open = 1;
}

/* Losses that touch on the screen are one. */
static void bands_merge(plot_bands *b, double from, double to) {
    plot_band *p = b->n ? &b->at[b->n - 1] : NULL;
    if (to < from) to = from;
    if (p && from <= p->to + 1 && from >= p->from) {
        if (to > p->to) p->to = to;
    } else bands_add(b, from, to, 0, NULL);
}

/* ---- streams ---- */

static double plot_pixels(const plot *p) { return (double)(p->width - PLOT_LEFT - PLOT_RIGHT); }

/* Seconds after the origin: the difference is taken before it becomes a double. */
static double plot_seconds(const telem_clock *clock, int64_t origin_ns, int64_t ticks) {
    int64_t ns = telem_ticks_to_ns(clock, ticks);
    return ns >= origin_ns ? (double)((uint64_t)ns - (uint64_t)origin_ns) / 1e9
                           : -(double)((uint64_t)origin_ns - (uint64_t)ns) / 1e9;
}

static double plot_x(const plot *p, const telem_clock *clock, int64_t origin_ns, int64_t ticks) {
    return (plot_seconds(clock, origin_ns, ticks) - p->from) / (p->to - p->from) * plot_pixels(p);
}

static int plot_shared(uint8_t domain) {
    return domain == TELEM_DOMAIN_UTC || domain == TELEM_DOMAIN_TAI;
}

/* Where x begins for a clock: its first row; UTC clocks share one beginning. */
static int64_t plot_origin(plot *p, uint32_t id, const telem_clock *clock) {
    span *own = spans_find(&p->time_spans, id);
    int64_t first = own ? telem_ticks_to_ns(clock, own->first) : 0;
    size_t i;
    for (i = 0; own && plot_shared(clock->domain) && i < p->time_spans.n; i++) {
        telem_clock other = source_clock(p->src, p->time_spans.at[i].clock);
        int64_t ns = telem_ticks_to_ns(&other, p->time_spans.at[i].first);
        if (other.domain == clock->domain && ns < first) first = ns;
    }
    return first;
}

static int plot_wanted(const plot *p, const column *c) {
    if (p->fields.n) return 1;
    return c->c.type != TELEM_BYTES && c->c.type != TELEM_BLOB &&
           !(c->c.field->flags & TELEM_COUNTER);
}

static plot_lane *plot_add_lane(plot_stream *s, const column *c, int bit, const char *label) {
    plot_lane *lane;
    s->lanes = (plot_lane *)array_more(s->lanes, &s->n_lanes, sizeof *s->lanes);
    lane = &s->lanes[s->n_lanes - 1];
    lane->col = c;
    lane->bit = bit;
    lane->label = copy_string(label);
    return lane;
}

static void plot_add_bits(plot_stream *s, const column *c) {
    text t = {NULL, 0, 0};
    size_t i, fields = 0;
    for (i = 0; i < s->cols.n; i++)
        fields += s->cols.at[i].c.type >= TELEM_BITS8 && s->cols.at[i].c.type <= TELEM_BITS32;
    for (i = 0; i < c->c.field->label_count; i++) {
        const telem_label *l = &c->c.field->labels[i];
        if (l->value > 31) continue;
        t.n = 0;
        text_printf(&t, "%s%s%s", fields > 1 ? c->path : "", fields > 1 ? " " : "", l->name);
        plot_add_lane(s, c, (int)l->value, t.s);
    }
    free(t.s);
}

static void plot_add_column(plot_stream *s, const column *c) {
    uint8_t type = c->c.type;
    if (type >= TELEM_BITS8 && type <= TELEM_BITS32) plot_add_bits(s, c);
    else if (type == TELEM_BOOL || type >= TELEM_ENUM8) plot_add_lane(s, c, -1, c->path);
    else {
        plot_series *p;
        s->series = (plot_series *)array_more(s->series, &s->n_series, sizeof *s->series);
        p = &s->series[s->n_series - 1];
        p->col = c;
        p->label = copy_string(c->path);
        p->from_first = (c->c.field->flags & TELEM_MONOTONIC) != 0;
    }
}

static void plot_fill_stream(plot *p, plot_stream *s) {
    size_t i, taken = 0;
    s->cols = columns_choose(s->stream->schema, &p->fields);
    for (i = 0; i < s->cols.n; i++) {
        if (!plot_wanted(p, &s->cols.at[i])) continue;
        if (taken++ < PLOT_COLUMNS || p->fields.n) plot_add_column(s, &s->cols.at[i]);
        else s->left_out++;
    }
    s->chosen = taken > 0;
    if (!s->chosen) columns_free(&s->cols);
}

static plot_stream *plot_new_stream(plot *p, const telem_file_stream *stream) {
    plot_stream *s = (plot_stream *)zalloc(1, sizeof *s);
    span *own = spans_find(&p->time_spans, stream->clock_id);
    p->all = (plot_stream **)grow(p->all, (p->n + 1) * sizeof *p->all);
    p->all[p->n++] = s;
    s->stream = stream;
    s->name = copy_string(stream->name);
    s->fingerprint = stream->fingerprint;
    s->clock = stream->clock;
    s->origin = plot_origin(p, stream->clock_id, &stream->clock);
    s->in = range_bounds(p->src, &p->want, &stream->clock, own ? own->first : 0,
                         own ? own->last : 0, NULL);
    if (names_match(&p->streams, stream->name)) plot_fill_stream(p, s);
    return s;
}

/* The same stream in a later session goes on in the same panels. */
static plot_stream *plot_find(plot *p, const telem_file_stream *stream) {
    size_t i;
    if (p->recent < p->n && p->all[p->recent]->stream == stream) return p->all[p->recent];
    for (i = 0; i < p->n; i++) {
        plot_stream *s = p->all[i];
        if (!s->stream && s->fingerprint == stream->fingerprint &&
            strcmp(s->name, stream->name) == 0)
            s->stream = stream;
        if (s->stream == stream) break;
    }
    if (i == p->n) plot_new_stream(p, stream);
    p->recent = i;
    return p->all[i];
}

/* ---- rows ---- */

static void series_break(plot_series *s) { s->gap = 1; }

static void series_add(plot_series *s, double x, double pixels, double v) {
    plot_bucket *b;
    if (!s->buckets) s->buckets = (plot_bucket *)zalloc((size_t)pixels + 1, sizeof *s->buckets);
    b = &s->buckets[(size_t)x];
    if (b->n == 0) {
        b->first = b->low = b->high = v;
        b->x_first = (float)x;
        b->gap = s->gap;
    }
    b->last = v;
    b->x_last = (float)x;
    if (v < b->low) b->low = v;
    if (v > b->high) b->high = v;
    b->n++;
    if (s->n == 0 || v < s->low) s->low = v;
    if (s->n == 0 || v > s->high) s->high = v;
    s->n++;
    s->gap = 0;
}

/* A counter that runs since boot would be a flat line: only what it gains is drawn. */
static double series_gain(plot_series *s, double v) {
    if (!s->begun && v != 0) {
        s->label = (char *)grow(s->label, strlen(s->label) + 16);
        strcat(s->label, " - first");
    }
    if (!s->begun) s->first = v;
    s->begun = 1;
    return v - s->first;
}

static void plot_number(plot *p, plot_series *s, double x, const uint8_t *row) {
    double v;
    if (!column_present(s->col, row)) {
        s->absent++;
        return;
    }
    if (s->absent > 2 * (uint64_t)s->usual + 1)
        series_break(s); /* a value in every tenth row is no gap */
    s->usual = s->absent;
    s->absent = 0;
    if (!telem_cell_number(&s->col->c, s->col->element, row, &v) || v - v != 0) series_break(s);
    else series_add(s, x, plot_pixels(p), s->from_first ? series_gain(s, v) : v);
}

static void lane_text(plot_lane *lane, double x, const uint8_t *row) {
    char buf[80];
    size_t n = telem_cell_print(&lane->col->c, lane->col->element, row, 0, buf, sizeof buf);
    const plot_bands *b = &lane->bands;
    if (n && (b->n == 0 || (x - b->at[b->n - 1].from >= 1 && b->n < PLOT_TEXTS)))
        bands_add(&lane->bands, x, x, 0, buf);
}

static uint32_t lane_raw(const column *c, const uint8_t *row) {
    const uint8_t *p = column_at(c, row);
    return c->c.width == 1 ? *p : c->c.width == 2 ? telem_get16(p) : telem_get32(p);
}

static void plot_state(plot_lane *lane, double x, const uint8_t *row) {
    char buf[256];
    uint32_t v;
    if (!column_present(lane->col, row)) lane->bands.open = 0;
    else if (column_text(lane->col)) lane_text(lane, x, row);
    else if (lane->bit >= 0 || lane->col->c.type == TELEM_BOOL) {
        v = lane_raw(lane->col, row) >> (lane->bit < 0 ? 0 : lane->bit) & 1u;
        bands_state(&lane->bands, x, v, NULL);
    } else {
        v = lane_raw(lane->col, row);
        if (lane->bands.open && lane->bands.at[lane->bands.n - 1].value == v)
            buf[0] = 0; /* the label is there */
        else telem_cell_print(&lane->col->c, lane->col->element, row, 0, buf, sizeof buf);
        bands_state(&lane->bands, x, v, buf);
    }
}

static void plot_close_gap(plot_stream *s, double x) {
    size_t i;
    if (!s->gap) return;
    bands_merge(&s->losses, s->seen ? s->x_before : 0, x);
    for (i = 0; i < s->n_series; i++) series_break(&s->series[i]);
    for (i = 0; i < s->n_lanes; i++) s->lanes[i].bands.open = 0;
    s->gap = 0;
}

static void plot_row(plot *p, const telem_file_item *item) {
    plot_stream *s = plot_find(p, item->stream);
    double x;
    size_t i;
    if (!s->chosen || item->time < s->in.from || item->time > s->in.to) return;
    x = plot_x(p, &s->clock, s->origin, item->time);
    if (!(x >= 0 && x <= plot_pixels(p))) return;
    plot_close_gap(s, x);
    if (s->rows++ == 0) s->first = item->time;
    s->last = item->time;
    for (i = 0; i < s->n_series; i++) plot_number(p, &s->series[i], x, item->data);
    for (i = 0; i < s->n_lanes; i++) plot_state(&s->lanes[i], x, item->data);
    s->x_before = x;
    s->seen = 1;
}

static double clip(double x, double most) { return x < 0 ? 0 : x > most ? most : x; }

static void plot_loss_span(plot *p, plot_stream *s, const telem_clock *clock, int64_t first,
                           int64_t last) {
    double a = plot_x(p, clock, s->origin, first), b = plot_x(p, clock, s->origin, last);
    if (b >= 0 && a <= plot_pixels(p))
        bands_merge(&s->losses, clip(a, plot_pixels(p)), clip(b, plot_pixels(p)));
}

static void plot_missing(plot *p, const telem_file_item *item) {
    plot_stream *s = item->stream ? plot_find(p, item->stream) : NULL;
    size_t i;
    if (!s || !s->chosen) return;
    s->missing += item->count;
    if (item->has_span) plot_loss_span(p, s, &s->clock, item->first, item->last);
    else s->gap = 1; /* up to the next row */
    for (i = 0; i < s->n_series; i++) series_break(&s->series[i]);
}

static void plot_loss(plot *p, const telem_loss *l) {
    telem_clock clock = source_clock(p->src, l->clock);
    size_t i;
    if (l->stream == TELEM_ALL_STREAMS) p->lost += l->count;
    for (i = 0; i < p->n; i++) {
        plot_stream *s = p->all[i];
        if (!s->chosen || !s->stream ||
            (l->stream != TELEM_ALL_STREAMS && l->stream != s->stream->id))
            continue;
        if (l->stream != TELEM_ALL_STREAMS) s->lost += l->count;
        if (l->has_span) plot_loss_span(p, s, &clock, l->first, l->last);
        else if (s->seen) bands_merge(&s->losses, s->x_before, s->x_before);
    }
}

static int plot_clocked(plot *p, uint32_t clock) {
    return spans_find(&p->time_spans, clock) != NULL;
}

/* An annotation before the first row or behind the last stands at that edge of the picture. */
static void plot_annotation(plot *p, const telem_annotation *a) {
    telem_clock clock = source_clock(p->src, a->clock);
    int64_t origin = plot_origin(p, a->clock, &clock);
    double x = plot_x(p, &clock, origin, a->time),
           end = plot_x(
               p, &clock, origin,
               ticks_after(a->time, (int64_t)(a->duration > INT64_MAX ? INT64_MAX : a->duration)));
    int before = end < 0, after = x > plot_pixels(p);
    text t = {NULL, 0, 0};
    if (p->marks.n >= PLOT_TEXTS) return;
    if ((before || after) && (range_asked(&p->want) || p->streams.n || !plot_clocked(p, a->clock)))
        return; /* outside of the part that is asked for */
    text_puts(&t, before ? "\xE2\x86\x90 " : ""); /* an arrow to where it lies */
    text_add(&t, a->text, a->text_len < 79 ? a->text_len : 79);
    text_puts(&t, after ? " \xE2\x86\x92" : "");
    bands_add(&p->marks, clip(x, plot_pixels(p)), clip(end, plot_pixels(p)), a->level, t.s);
    free(t.s);
}

static void plot_item(plot *p, const telem_file_item *item) {
    size_t i;
    uint64_t id = telem_file_reader_session(&p->src->feed.r)->id;
    switch (item->kind) {
    case TELEM_ITEM_SESSION:
        for (i = 0; i < p->n && id != p->session; i++) p->all[i]->stream = NULL;
        p->session = id;
        break;
    case TELEM_ITEM_STREAM: plot_find(p, item->stream); break;
    case TELEM_ITEM_ROW: plot_row(p, item); break;
    case TELEM_ITEM_MISSING: plot_missing(p, item); break;
    case TELEM_ITEM_LOSS: plot_loss(p, &item->loss); break;
    case TELEM_ITEM_ANNOTATION: plot_annotation(p, &item->annotation); break;
    case TELEM_ITEM_CLOCK:
    case TELEM_ITEM_SYNC:
    case TELEM_ITEM_METADATA:
    case TELEM_ITEM_DAMAGE:
    case TELEM_ITEM_END:
    default: break;
    }
}

/* ---- axes ---- */

/* 1, 2 or 5 times a power of ten, so that about `count` steps make the span. */
static double nice_step(double length, double count) {
    double raw = length / (count < 1 ? 1 : count), unit = pow(10, floor(log10(raw))),
           k = raw / unit;
    return unit * (k <= 1 ? 1 : k <= 2 ? 2 : k <= 5 ? 5 : 10);
}

/* Of an axis: 40k, 20M, as coarse as its steps. */
static void print_tick(char *buf, size_t cap, double v, double step) {
    static const char *const prefix[] = {"", "k", "M", "G", "T", "P", "E"};
    int d = (int)-floor(log10(step) + 1e-9), k = 0;
    if (fabs(v) < step * 1e-6) v = 0;
    for (; k < 6 && step >= (k ? 1e3 : 1e4); k++) step /= 1e3, v /= 1e3;
    if (fabs(v) >= 1e12 || d > 6) snprintf(buf, cap, "%.6g%s", v, prefix[k]);
    else snprintf(buf, cap, "%.*f%s", d > 0 ? d : 0, v, prefix[v != 0 ? k : 0]);
}

/* Seconds, minutes, hours or days, by the length. */
static double time_axis(double length, const char **name) {
    *name = length < 600 ? "s" : length < 4 * 3600.0 ? "min" : length < 4 * 86400.0 ? "h" : "days";
    return length < 600 ? 1 : length < 4 * 3600.0 ? 60 : length < 4 * 86400.0 ? 3600 : 86400;
}

static void plot_x_grid(plot *p, double top, double height) {
    const char *name;
    double unit = time_axis(p->to - p->from, &name),
           step = nice_step((p->to - p->from) / unit, plot_pixels(p) / 90), v;
    for (v = ceil(p->from / unit / step) * step; v <= p->to / unit + step * 1e-9; v += step) {
        double x = PLOT_LEFT + (v * unit - p->from) / (p->to - p->from) * plot_pixels(p);
        text_printf(&p->body, "<path class=\"grid\" d=\"M%.1f %.1fv%.1f\"/>\n", x, top, height);
    }
}

static void plot_x_labels(plot *p) {
    const char *name;
    char buf[64];
    double unit = time_axis(p->to - p->from, &name),
           step = nice_step((p->to - p->from) / unit, plot_pixels(p) / 90), v;
    for (v = ceil(p->from / unit / step) * step; v <= p->to / unit + step * 1e-9; v += step) {
        print_tick(buf, sizeof buf, v, step);
        plot_label(&p->body, PLOT_LEFT + (v * unit - p->from) / (p->to - p->from) * plot_pixels(p),
                   p->y + 13, "tick", " text-anchor=\"middle\"", buf);
    }
    p->y += 16;
}

/* What x counts from. Below the last stream of those that share it. */
static void plot_x_title(plot *p, const plot_stream *s) {
    const char *name;
    char at[48];
    telem_clock ns = TELEM_ZERO;
    text t = {NULL, 0, 0};
    (void)time_axis(p->to - p->from, &name);
    print_seconds(&ns, s->origin, at);
    if (s->clock.domain == TELEM_DOMAIN_UTC)
        text_printf(&t, "time [%s] since %s", name, print_utc(s->origin, at));
    else if (s->origin) text_printf(&t, "time [%s] since t = %s s", name, at);
    else text_printf(&t, "time [%s]", name);
    plot_label(&p->body, PLOT_LEFT + plot_pixels(p), p->y + 11, "tick", " text-anchor=\"end\"",
               t.s);
    free(t.s);
    p->y += 16;
}

typedef struct plot_scale {
    double low, high, top;
} plot_scale;

static double plot_y(const plot_scale *s, double v) {
    return s->top + (s->high - v) / (s->high - s->low) * PLOT_PANEL;
}

static void plot_y_axis(plot *p, const plot_scale *s, const char *unit) {
    double step = nice_step(s->high - s->low, PLOT_PANEL / 28.0), v, end = s->high + step * 1e-9;
    char buf[64];
    for (v = ceil(s->low / step) * step; v <= end; v += step) {
        text_printf(&p->body, "<path class=\"grid\" d=\"M%d %.1fh%.1f\"/>\n", PLOT_LEFT,
                    plot_y(s, v), plot_pixels(p));
        print_tick(buf, sizeof buf, v, step);
        plot_label(&p->body, PLOT_LEFT - 6, plot_y(s, v) + 3.5, "tick", " text-anchor=\"end\"",
                   buf);
        if (v + step <= v) break; /* a step below the resolution of the numbers */
    }
    snprintf(buf, sizeof buf, " text-anchor=\"middle\" transform=\"rotate(-90 13 %.1f)\"",
             s->top + PLOT_PANEL / 2.0);
    if (*unit) plot_label(&p->body, 13, s->top + PLOT_PANEL / 2.0, "unit", buf, unit);
}

/* ---- panels of lines ---- */

static void plot_point(text *t, double x, double y, int move) {
    text_printf(t, "%c%.1f %.1f", move ? 'M' : 'L', x, y);
}

static void plot_bucket_path(text *t, const plot_bucket *b, const plot_scale *scale, int move) {
    double mid = PLOT_LEFT + (b->x_first + b->x_last) / 2.0;
    plot_point(t, PLOT_LEFT + b->x_first, plot_y(scale, b->first), move);
    if (b->low < b->first && b->low < b->last) plot_point(t, mid, plot_y(scale, b->low), 0);
    if (b->high > b->first && b->high > b->last) plot_point(t, mid, plot_y(scale, b->high), 0);
    if (b->n > 1) plot_point(t, PLOT_LEFT + b->x_last, plot_y(scale, b->last), 0);
}

static void plot_dots(plot *p, const plot_series *s, const plot_scale *scale, const char *colour) {
    size_t i, pixels = (size_t)plot_pixels(p);
    for (i = 0; i <= pixels; i++)
        if (s->buckets[i].n)
            text_printf(&p->body, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"1.7\" fill=\"%s\"/>\n",
                        PLOT_LEFT + (double)s->buckets[i].x_last, plot_y(scale, s->buckets[i].last),
                        colour);
}

/* Does something visible lie between two pixel columns? */
static int plot_lost_between(const plot_bands *lost, double from, double to) {
    size_t i;
    for (i = 0; i < lost->n; i++)
        if (lost->at[i].to - lost->at[i].from > 1 && lost->at[i].from > from - 1 &&
            lost->at[i].to < to + 1)
            return 1;
    return 0;
}

/* The ninth line has the colour of the first again, and is dashed. */
static const char *plot_dashes(size_t i) {
    return i < PLOT_COLOURS ? "" : " stroke-dasharray=\"4 2\"";
}

/* A value between two gaps would draw nothing: it gets a dot's length. */
static void plot_line(plot *p, const plot_series *s, const plot_bands *lost,
                      const plot_scale *scale, size_t number) {
    const plot_bucket *before = NULL;
    const char *colour = plot_colours[number % PLOT_COLOURS];
    size_t i, pixels = (size_t)plot_pixels(p);
    text_printf(&p->body, "<path class=\"line\" stroke=\"%s\"%s d=\"", colour, plot_dashes(number));
    for (i = 0; i <= pixels; i++) {
        const plot_bucket *b = &s->buckets[i];
        int move;
        if (b->n == 0) continue;
        move = !before || b->gap ||
               plot_lost_between(lost, (double)before->x_last, (double)b->x_first);
        plot_bucket_path(&p->body, b, scale, move);
        if (move) text_puts(&p->body, "h.1");
        before = b;
    }
    text_puts(&p->body, "\"/>\n");
    if (s->n * 8 < pixels) plot_dots(p, s, scale, colour);
}

static void plot_legend(plot *p, plot_series *const *list, size_t n) {
    double x = PLOT_LEFT + 2, end = PLOT_LEFT + plot_pixels(p);
    size_t i;
    for (i = 0; i < n; i++) {
        const char *name = list[i]->label;
        if (x + 18 + text_width(name) > end && i) x = PLOT_LEFT + 2, p->y += 15;
        text_printf(&p->body,
                    "<path stroke=\"%s\" stroke-width=\"3\"%s d=\"M%.1f %.1fh12\"/>\n",
                    plot_colours[i % PLOT_COLOURS], plot_dashes(i), x, p->y + 6.5);
        plot_label(&p->body, x + 16, p->y + 10, "small", "", name);
        x += 30 + text_width(name);
    }
    p->y += 15;
}

static plot_scale plot_find_scale(plot_series *const *list, size_t n, double top) {
    plot_scale s = {0, 0, 0};
    size_t i, any = 0;
    double pad;
    for (i = 0; i < n; i++) {
        if (list[i]->n == 0) continue;
        if (!any || list[i]->low < s.low) s.low = list[i]->low;
        if (!any || list[i]->high > s.high) s.high = list[i]->high;
        any = 1;
    }
    if (s.high > 8e307 || s.low < -8e307)
        s.high = 8e307, s.low = -8e307; /* the difference must be finite */
    pad = s.high > s.low ? (s.high - s.low) * 0.06 : fabs(s.high) > 0 ? fabs(s.high) * 0.1 : 1;
    if (!(s.high - s.low > fabs(s.high) * 1e-12)) pad = fabs(s.high) > 0 ? fabs(s.high) * 0.1 : 1;
    s.low -= pad;
    s.high += pad;
    s.top = top;
    return s;
}

static void plot_draw_losses(plot *p, const plot_stream *s, double top, double height) {
    size_t i;
    for (i = 0; i < s->losses.n; i++) {
        const plot_band *b = &s->losses.at[i];
        double w = b->to - b->from < 1.5 ? 1.5 : b->to - b->from;
        text_printf(&p->body,
                    "<rect class=\"loss\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                    PLOT_LEFT + b->from, top, w, height);
    }
}

static void plot_draw_marks(plot *p, double top, double height) {
    size_t i;
    for (i = 0; i < p->marks.n; i++) {
        const plot_band *b = &p->marks.at[i];
        if (b->to - b->from > 1)
            text_printf(
                &p->body,
                "<rect class=\"span\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                PLOT_LEFT + b->from, top, b->to - b->from, height);
        text_printf(&p->body, "<path class=\"mark\" d=\"M%.1f %.1fv%.1f\"/>\n", PLOT_LEFT + b->from,
                    top, height);
    }
}

static void plot_frame(plot *p, double top, double height) {
    text_printf(&p->body,
                "<rect class=\"frame\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                PLOT_LEFT, top, plot_pixels(p), height);
}

static void plot_panel(plot *p, const plot_stream *s, plot_series *const *list, size_t n,
                       const char *unit) {
    plot_scale scale;
    size_t i;
    plot_legend(p, list, n);
    scale = plot_find_scale(list, n, p->y);
    plot_x_grid(p, p->y, PLOT_PANEL);
    plot_y_axis(p, &scale, unit);
    plot_draw_losses(p, s, p->y, PLOT_PANEL);
    plot_draw_marks(p, p->y, PLOT_PANEL);
    for (i = 0; i < n; i++)
        plot_line(p, list[i], &s->losses, &scale, i);
    plot_frame(p, p->y, PLOT_PANEL);
    p->y += PLOT_PANEL + 8;
}

static const char *series_unit(const plot_series *s) {
    return s->col->c.field->unit ? s->col->c.field->unit : "";
}

/* Elements of one array stay together and apart from others. Else one unit, and not totals with
   gains; without a unit, about one size. */
static int series_alike(const plot_series *a, const plot_series *b) {
    double x = fabs(a->low) > fabs(a->high) ? fabs(a->low) : fabs(a->high),
           y = fabs(b->low) > fabs(b->high) ? fabs(b->low) : fabs(b->high);
    if (a->col->c.index == b->col->c.index) return 1;
    if (a->col->c.count > 1 || b->col->c.count > 1) return 0;
    if (strcmp(series_unit(a), series_unit(b)) != 0 || a->from_first != b->from_first) return 0;
    return *series_unit(a) || x == 0 || y == 0 || (x < 10 * y && y < 10 * x);
}

/* Series that are alike, a few at a time. */
static void plot_panels(plot *p, plot_stream *s) {
    uint8_t *done = (uint8_t *)zalloc(s->n_series, 1);
    plot_series *list[PLOT_IN_ARRAY];
    size_t i, j, n, most;
    for (i = 0; i < s->n_series; i++) {
        if (done[i] || s->series[i].n == 0) continue;
        most = s->series[i].col->c.count > 1 ? PLOT_IN_ARRAY : PLOT_IN_PANEL;
        for (n = 0, j = i; j < s->n_series && n < most; j++)
            if (!done[j] && s->series[j].n && series_alike(&s->series[i], &s->series[j])) {
                done[j] = 1;
                list[n++] = &s->series[j];
            }
        plot_panel(p, s, list, n, series_unit(&s->series[i]));
    }
    free(done);
}

/* ---- lanes ---- */

/* A tick for each, words where there is room, the same words once. */
static void lane_texts(plot *p, const plot_lane *lane) {
    const char *said = "";
    double free_from = 0;
    size_t i;
    text_puts(&p->body, "<path class=\"event\" d=\"");
    for (i = 0; i < lane->bands.n; i++)
        text_printf(&p->body, "M%.1f %.1fv4", PLOT_LEFT + lane->bands.at[i].from,
                    p->y + PLOT_LANE - 4);
    text_puts(&p->body, "\"/>\n");
    for (i = 0; i < lane->bands.n; i++) {
        const plot_band *b = &lane->bands.at[i];
        if (b->from < free_from || b->from + text_width(b->label) + 8 > plot_pixels(p) ||
            strcmp(b->label, said) == 0)
            continue;
        plot_label(&p->body, PLOT_LEFT + b->from + 2, p->y + 10.5, "small", "", b->label);
        free_from = b->from + text_width(b->label) + 10;
        said = b->label;
    }
}

static void lane_bands(plot *p, const plot_lane *lane) {
    int flag = lane->bit >= 0 || lane->col->c.type == TELEM_BOOL;
    size_t i;
    for (i = 0; i < lane->bands.n; i++) {
        const plot_band *b = &lane->bands.at[i];
        double w = b->to - b->from < 0.7 ? 0.7 : b->to - b->from;
        if (flag && !b->value) continue;
        text_printf(
            &p->body,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\" fill-opacity=\"%s\"/>\n",
            PLOT_LEFT + b->from, p->y + 2, w, PLOT_LANE - 4,
            flag ? plot_colours[3] : plot_colours[b->value % PLOT_COLOURS], flag ? "0.75" : "0.45");
        if (b->label && w > text_width(b->label) + 6)
            plot_label(&p->body, PLOT_LEFT + b->from + 3, p->y + 11.5, "small", "", b->label);
    }
}

/* The label's end is what tells lanes apart: a long one loses its beginning. */
static void lane_name(plot *p, const plot_lane *lane) {
    const char *s = lane->label;
    size_t n = utf8_count(s);
    text t = {NULL, 0, 0};
    if (n > 13) {
        for (; n > 12; n--) do
                s++;
            while (((unsigned char)*s & 0xC0) == 0x80);
        text_puts(&t, "\xE2\x80\xA6");
    }
    text_puts(&t, s);
    plot_label(&p->body, PLOT_LEFT - 6, p->y + 11.5, "tick", " text-anchor=\"end\"", t.s);
    free(t.s);
}

static void plot_lanes(plot *p, plot_stream *s) {
    double top = p->y, height = (double)(s->n_lanes * PLOT_LANE);
    size_t i;
    if (s->n_lanes == 0) return;
    plot_x_grid(p, top, height);
    plot_draw_losses(p, s, top, height);
    plot_draw_marks(p, top, height);
    for (i = 0; i < s->n_lanes; i++) {
        lane_name(p, &s->lanes[i]);
        if (column_text(s->lanes[i].col)) lane_texts(p, &s->lanes[i]);
        else lane_bands(p, &s->lanes[i]);
        p->y += PLOT_LANE;
        if (i + 1 < s->n_lanes)
            text_printf(&p->body, "<path class=\"grid\" d=\"M%d %.1fh%.1f\"/>\n", PLOT_LEFT, p->y,
                        plot_pixels(p));
    }
    plot_frame(p, top, height);
    p->y += 8;
}

/* ---- the picture ---- */

static void plot_title(plot *p, const plot_stream *s) {
    text t = {NULL, 0, 0};
    char a[32];
    double length = ticks_seconds(&s->clock, s->last) - ticks_seconds(&s->clock, s->first);
    text_printf(&t, "%s rows", thousands(s->rows, a));
    if (length > 0 && s->rows > 1)
        text_puts(&t, ", "), text_rate(&t, (double)(s->rows - 1) / length);
    if (s->left_out) text_printf(&t, "; %zu more columns, choose with --fields", s->left_out);
    p->y += 22;
    text_printf(&p->body, "<text x=\"%d\" y=\"%.1f\"><tspan class=\"title\">", PLOT_LEFT, p->y);
    text_xml(&p->body, s->name, strlen(s->name));
    text_puts(&p->body, "</tspan><tspan class=\"small\" dx=\"10\">");
    text_xml(&p->body, t.s, t.n);
    text_puts(&p->body, "</tspan>");
    t.n = 0;
    if (s->missing) text_printf(&t, "%s rows missing ", thousands(s->missing, a));
    if (s->lost) text_printf(&t, "%s lost before the file", thousands(s->lost, a));
    if (t.n) text_printf(&p->body, "<tspan class=\"warn\" dx=\"10\">%s</tspan>", t.s);
    text_puts(&p->body, "</text>\n");
    p->y += 6;
    free(t.s);
}

static int band_order(const void *a, const void *b) {
    const plot_band *x = (const plot_band *)a, *y = (const plot_band *)b;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* In the order of x, which need not be that of the file, as far as there is room. */
static void plot_mark_texts(plot *p) {
    double free_from = 0;
    size_t i;
    if (p->marks.n == 0) return;
    qsort(p->marks.at, p->marks.n, sizeof *p->marks.at, band_order);
    p->y += 16;
    for (i = 0; i < p->marks.n; i++) {
        const plot_band *b = &p->marks.at[i];
        double w = text_width(b->label),
               x = b->from + w > plot_pixels(p) ? plot_pixels(p) - w : b->from;
        if (x < free_from) continue;
        plot_label(&p->body, PLOT_LEFT + x, p->y,
                   b->value >= TELEM_LEVEL_WARNING ? "warn" : "small", "", b->label);
        free_from = x + w + 8;
    }
}

static void plot_lost_of_all(plot *p, double x) {
    text t = {NULL, 0, 0};
    char a[32];
    if (!p->lost) return;
    text_printf(&t, "%s lost before the file (all streams)", thousands(p->lost, a));
    plot_label(&p->body, x, p->y, "warn", "", t.s);
    free(t.s);
}

static void plot_draw_stream(plot *p, plot_stream *s) {
    plot_title(p, s);
    if (s->gap) plot_close_gap(s, plot_pixels(p));
    plot_panels(p, s);
    plot_lanes(p, s);
    p->y -= 4;
    plot_x_labels(p);
}

static void plot_head(text *t, const plot *p) {
    text_printf(
        t,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\" font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\">\n",
        p->width, p->y + 8, p->width, p->y + 8);
    text_puts(
        t,
        "<style>\n"
        ".bg{fill:#fff} text{fill:#333} .title{font-size:15px;font-weight:bold} .small{font-size:11px}\n"
        ".tick,.unit{font-size:11px;fill:#666} .warn{font-size:11px;fill:#d23} .frame{fill:none;stroke:#999}\n"
        ".grid{stroke:#888;stroke-opacity:.22;fill:none} .line{fill:none;stroke-width:1.2;stroke-linejoin:round;stroke-linecap:round}\n"
        ".loss{fill:#e22;fill-opacity:.28} .mark{stroke:#7a5cc0;stroke-dasharray:3 2;fill:none} .event{stroke:#7a5cc0;fill:none} .span{fill:#7a5cc0;fill-opacity:.1}\n"
        "@media (prefers-color-scheme:dark){.bg{fill:#15181c} text{fill:#ddd} .tick,.unit{fill:#aaa} .warn{fill:#f66}}\n"
        "</style>\n<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n");
}

/* x from the earliest to the latest row of the streams chosen, or as --start --end --last say. */
static void plot_extent(plot *p) {
    uint32_t i;
    int any = 0;
    p->from = 0, p->to = 1;
    for (i = 0; i < p->time_spans.streams; i++) {
        const telem_file_stream *st = source_stream(p->src, i);
        const telem_file_totals *sum = &p->time_spans.totals[i];
        plot_stream *s;
        double a, b;
        if (!st || sum->first > sum->last || !names_match(&p->streams, st->name)) continue;
        s = plot_find(p, st);
        if (s->in.from > sum->last || s->in.to < sum->first) continue;
        a = plot_seconds(&s->clock, s->origin, s->in.from > sum->first ? s->in.from : sum->first);
        b = plot_seconds(&s->clock, s->origin, s->in.to < sum->last ? s->in.to : sum->last);
        if (!any || a < p->from) p->from = a;
        if (!any || b > p->to) p->to = b;
        any = 1;
    }
    if (!(p->to > p->from)) p->to = p->from + 1;
}

static void plot_check(const plot *p) {
    const char *name;
    uint64_t rows = 0;
    size_t i;
    if ((name = names_unused(&p->streams)) != NULL)
        die(p->src->path, "has no stream \"%s\"; telem info lists them", name);
    if ((name = names_unused(&p->fields)) != NULL)
        die(p->src->path, "has no field \"%s\" there; telem info --schema lists them", name);
    for (i = 0; i < p->n; i++) rows += p->all[i]->rows;
    if (rows == 0) die(p->src->path, "has no rows to draw there; telem info tells what it holds");
}

static void plot_write(plot *p) {
    text head = {NULL, 0, 0};
    const char *base = strrchr(p->src->path, '/');
    const plot_stream *before = NULL;
    size_t i;
    out *o;
    p->y = 18;
    base = base ? base + 1 : p->src->path;
    plot_label(&p->body, PLOT_LEFT, p->y, "small", "", base);
    plot_lost_of_all(p, PLOT_LEFT + text_width(base) + 10);
    plot_mark_texts(p);
    for (i = 0; i < p->n; i++) {
        plot_stream *s = p->all[i];
        if (!s->chosen || !(s->rows || s->lost || s->missing)) continue;
        if (before && (before->origin != s->origin || before->clock.domain != s->clock.domain))
            plot_x_title(p, before);
        plot_draw_stream(p, s);
        before = s;
    }
    if (before) plot_x_title(p, before);
    plot_head(&head, p);
    text_puts(&p->body, "</svg>\n");
    o = out_open(p->output);
    out_text(o, &head);
    out_text(o, &p->body);
    out_close(o);
    free(head.s);
    free(p->body.s);
}

static void plot_option(plot *p, char **argv, int c) {
    switch (c) {
    case 'o': p->output = optarg; break;
    case 's': names_add(&p->streams, optarg); break;
    case 'F': names_add(&p->fields, optarg); break;
    case 'S': p->want.start = when_parse("plot", "--start", optarg); break;
    case 'E': p->want.end = when_parse("plot", "--end", optarg); break;
    case 'L': p->want.last = option_duration("plot", "--last", optarg); break;
    case 'w': p->width = (int)option_number("plot", "--width", optarg, 20000); break;
    case 'h': print_help(plot_help);
    default: option_error("plot", argv, c);
    }
}

/* The extent must be known before the rows: a pipe is kept in a file without a name. */
static source *plot_open(const char *path) {
    struct stat st;
    if (strcmp(path, "-") == 0 && fstat(STDIN_FILENO, &st) == 0 && !S_ISREG(st.st_mode)) {
        int fd = spool_pipe("standard input", STDIN_FILENO, 0);
        if (dup2(fd, STDIN_FILENO) < 0 || lseek(STDIN_FILENO, 0, SEEK_SET) < 0)
            die(path, "cannot read back: %s", strerror(errno));
    }
    return source_open(path);
}

static int command_plot(int argc, char **argv) {
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"stream", required_argument, NULL, 's'},
                                            {"fields", required_argument, NULL, 'F'},
                                            {"start", required_argument, NULL, 'S'},
                                            {"end", required_argument, NULL, 'E'},
                                            {"last", required_argument, NULL, 'L'},
                                            {"width", required_argument, NULL, 'w'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    static plot p;
    telem_file_item item;
    int c;
    p.width = 1000;
    while ((c = getopt_long(argc, argv, ":o:s:F:h", options, NULL)) != -1) plot_option(&p, argv, c);
    if (argc - optind != 1) usage_error("plot", "wants one FILE; see telem plot --help");
    if (p.width < 300) usage_error("plot", "--width must be 300 or more");
    p.src = plot_open(argv[optind]);
    p.time_spans = spans_scan(p.src);
    p.session = telem_file_reader_session(&p.src->feed.r)->id;
    plot_extent(&p);
    while (source_next(p.src, &item)) plot_item(&p, &item);
    progress_clear();
    plot_check(&p);
    plot_write(&p);
    c = source_verdict(p.src);
    source_close(p.src);
    return c;
}
