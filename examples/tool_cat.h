/* tool_cat.h - telem cat: rows as CSV, NDJSON or text, all or a part. */

static const char cat_help[] =
    "usage: telem cat [options] FILE\n"
    "Rows as text, NDJSON or CSV, in the order of the file. FILE may be - for standard input, or\n"
    "DIR/NAME for all files of a feed (telem feeds lists them).\n"
    "\n"
    "  -f, --format F     text (default), ndjson, or csv; a name given to -o decides, too\n"
    "  -s, --stream S     only these streams: names or patterns, a comma list, repeatable\n"
    "  -F, --fields F     only these fields: ax,pos.x,motor[2]; pos chooses all of pos\n"
    "      --start T      from this time on:  5s 250ms +2min     after the start\n"
    "      --end T        up to this time:    @12.5 @100ticks    on the stream's own clock\n"
    "                                         2026-11-20T12:00:00.5Z   UTC\n"
    "      --last D       the last D, such as 10s (not from a pipe)\n"
    "  -n, --rows N       at most N rows\n"
    "  -o, --output OUT   a file, or with a / at its end a folder: one file for each stream\n"
    "      --raw          raw counts instead of physical values\n"
    "      --json-strings 64-bit integers as strings (ndjson)\n"
    "  -h, --help         this text\n"
    "\n"
    "csv     RFC 4180; t_s is the time in decimal seconds, exact; units stand in the header;\n"
    "        absent and NaN are empty, an empty string is \"\"; lines end in CR LF. One stream\n"
    "        to a file: two are refused before the first row, on a pipe where the second begins.\n"
    "ndjson  {\"stream\":\"imu\",\"t\":1.5,\"row\":12,\"ax\":0.1}; what is lost, annotations, metadata and\n"
    "        damage are lines of their own: {\"missing\":{...}}, {\"loss\":{...}}, ... A stream with a\n"
    "        field called stream, t or row has that key of the line as _stream, _t or _row.\n"
    "        Fields chosen by --fields have their dotted paths as keys.\n"
    "A range of one stream is found by its time order, in the file's first session; a stream that\n"
    "is marked unordered (telem import does so) or several streams are read as a whole.\n"
    "\n"
    "exit: 0 all there, 1 failure, 2 usage, 3 printed, but data was lost\n"
    "\n"
    "examples:\n"
    "  telem cat -f csv --stream imu --fields ax,ay --last 10s flight.tlm > imu.csv\n"
    "  ssh drone cat /log/flight.tlm | telem cat -f ndjson - | jq .ax\n";

static const char follow_help[] =
    "usage: telem follow [options] FILE\n"
    "Rows as they are written, until Ctrl-C. FILE is a file that is being written, or DIR/NAME for\n"
    "a feed: its next files are gone over to, and it need not be there yet. Rows come as their\n"
    "blocks are written (with a journal: as they are committed).\n"
    "\n"
    "  -f, --format F     text (default), ndjson, or csv\n"
    "  -s, --stream S     only these streams: names or patterns, a comma list, repeatable\n"
    "  -F, --fields F     only these fields: ax,pos.x,motor[2]; pos chooses all of pos\n"
    "  -a, --all          first all that is there; without it only what is new\n"
    "      --last D       first the last D, such as 10s\n"
    "      --start T      first what is there from this time on: +5s @12.5 2026-11-20T12:00:00Z\n"
    "      --end T        ends behind this time\n"
    "  -n, --rows N       ends after N rows\n"
    "      --poll D       how often to look, such as 10ms (100ms); 0s: always, with a whole processor\n"
    "      --raw          raw counts instead of physical values\n"
    "      --json-strings 64-bit integers as strings (ndjson)\n"
    "  -h, --help         this text\n"
    "\n"
    "What is lost comes as lines of its own: rows of files that were removed before they were read,\n"
    "too. See telem cat --help for the formats.\n"
    "\n"
    "exit: 0 all there, 1 failure, 2 usage, 3 ended, but data was lost\n"
    "\n"
    "examples:\n"
    "  telem follow log/vitals\n"
    "  telem follow -f ndjson --last 10s --stream imu flight.tlm | jq .ax\n";

enum cat_format { CAT_UNSET, CAT_TEXT, CAT_NDJSON, CAT_CSV };

/* One stream as it is printed. */
typedef struct cat_view {
    const telem_file_stream *stream;
    columns cols;               /* csv */
    const telem_schema *schema; /* ndjson, text: the stream's or the projection */
    void *memory;               /* of the projection */
    uint8_t *row;               /* of the projection; NULL: rows are printed as they are */
    const char *key_stream, *key_t, *key_row;
    text name_json, header; /* header: the line of CSV */
    char *name, *path;
    out *to;
    bounds in;
    uint8_t chosen, bounded, headed;
} cat_view;

typedef struct cat {
    source *src;
    enum cat_format format;
    names streams, fields;
    range want;
    uint64_t most, printed, session;
    uint32_t flags;
    const char *output;
    out *to;
    int folder;
    cat_view *views;
    size_t n, recent;
    spans time_spans;
    utc_map map;
    uint8_t stopped, unordered, single; /* single: one stream in time order, sought by time */
    uint8_t follow, all;
    text line, cell;
} cat;

/* ---- the projection: chosen fields become a flat schema of their own ---- */

static telem_field cat_field(const column *c, uint32_t count) {
    telem_field f = *c->c.field;
    f.name = c->path;
    f.count = (uint16_t)(count > 1 ? count : 0);
    f.flags = (uint8_t)(f.flags & ~(TELEM_OPTIONAL | TELEM_COUNTER));
    if (c->c.guard != TELEM_NO_GUARD) f.flags |= TELEM_OPTIONAL;
    f.aliases = f.def = NULL;
    return f;
}

/* How many columns from i on are the whole of one array of scalars: 1 when it is none. */
static uint32_t cat_run(const columns *list, size_t i) {
    const column *c = &list->at[i];
    uint32_t k;
    if (c->element != 0 || c->c.count < 2 || c->c.count > list->n - i) return 1;
    for (k = 1; k < c->c.count; k++)
        if (list->at[i + k].c.index != c->c.index || list->at[i + k].element != k) return 1;
    return c->c.count;
}

static void cat_path_of_array(column *c) { /* "motor[0]" stands for "motor" */
    char *at = strrchr(c->path, '[');
    if (at) *at = 0;
}

static void cat_project(cat *k, cat_view *v) {
    telem_schema_builder b;
    size_t i, size = 4096 + 2 * (size_t)TELEM_MAX_DESC;
    uint32_t n;
    telem_result r;
    for (i = 0; i < v->cols.n; i++)
        size += 4096 + strlen(v->cols.at[i].path) +
                v->cols.at[i].c.field->label_count * (TELEM_MAX_NAME + 20u);
    v->memory = grow(NULL, size);
    r = telem_schema_builder_init(&b, v->memory, size, v->stream->schema->name, NULL);
    for (i = 0; i < v->cols.n && r == TELEM_OK; i += n) {
        telem_field f;
        n = cat_run(&v->cols, i);
        if (n > 1) cat_path_of_array(&v->cols.at[i]);
        f = cat_field(&v->cols.at[i], n);
        f.desc = NULL;
        r = telem_schema_builder_add(&b, &f);
    }
    if (r == TELEM_OK) r = telem_schema_builder_finish(&b, &v->schema);
    if (r != TELEM_OK)
        die(k->src->path, "the fields of %s cannot be combined: %s; choose fewer", v->stream->name,
            telem_result_text(r));
    v->row = (uint8_t *)zalloc(telem_schema_row_size(v->schema), 1);
}

static const uint8_t *cat_projected(const cat_view *v, const uint8_t *row) {
    uint8_t *to = v->row;
    size_t i;
    uint32_t n;
    for (i = 0; i < v->cols.n; i += n) {
        const column *c = &v->cols.at[i];
        n = cat_run(&v->cols, i);
        if (c->c.guard != TELEM_NO_GUARD) *to++ = row[c->c.guard];
        memcpy(to, column_at(c, row), (size_t)n * c->c.width);
        to += (size_t)n * c->c.width;
    }
    return v->row;
}

/* ---- the text form ---- */

static int cat_is_odd(const char *name) { return strcspn(name, " =,\"{}#") != strlen(name); }

/* 452.5 W, but 20% */
static const char *cat_text_unit(const char *unit) {
    text t = {NULL, 0, 0};
    if (!unit || !isalpha((unsigned char)*unit)) return unit;
    text_printf(&t, " %s", unit);
    return t.s;
}

static const char *cat_text_name(const char *name) {
    text t = {NULL, 0, 0};
    if (!cat_is_odd(name)) return name;
    text_json(&t, name, strlen(name));
    return t.s;
}

/* The schema with a space before units that are words, and quotes around names that would not be
   told from what is beside them. A schema is TELEM_MAX_DEPTH deep at most. */
static const telem_schema *cat_text_schema(const telem_schema *from) {
    telem_schema *s = (telem_schema *)zalloc(1, sizeof *s);
    telem_field *f = (telem_field *)zalloc(from->field_count, sizeof *f);
    unsigned i;
    *s = *from;
    s->fields = f;
    for (i = 0; i < s->field_count; i++) {
        f[i] = from->fields[i];
        f[i].name = cat_text_name(f[i].name);
        f[i].unit = cat_text_unit(f[i].unit);
        if (f[i].nested) f[i].nested = cat_text_schema(f[i].nested);
    }
    return s;
}

/* ---- views ---- */

static int cat_has_field(const telem_schema *s, const char *name) {
    unsigned i;
    for (i = 0; i < s->field_count; i++)
        if (strcmp(s->fields[i].name, name) == 0) return 1;
    return 0;
}

/* A stream's name as a file name: no separators, no leading dot. */
static void cat_file_path(cat *k, cat_view *v) {
    static const char *const ends[] = {"", ".txt", ".ndjson", ".csv"};
    text t = {NULL, 0, 0};
    const char *s;
    text_puts(&t, k->output);
    for (s = v->stream->name; *s; s++) {
        int fine = isalnum((unsigned char)*s) || *s == '-' || *s == '_' ||
                   (*s == '.' && s != v->stream->name) || (unsigned char)*s >= 0x80;
        text_add(&t, fine ? s : "_", 1);
    }
    text_puts(&t, ends[k->format]);
    v->path = t.s;
}

/* A later session's stream of the same name goes on in the same place. */
static void cat_view_out(cat *k, cat_view *v) {
    size_t i;
    v->to = k->to;
    if (k->folder) cat_file_path(k, v);
    for (i = 0; i + 1 < k->n; i++) {
        const cat_view *w = &k->views[i];
        int same = strcmp(w->name, v->name) == 0;
        if (!w->chosen || (k->folder && strcmp(w->path, v->path) != 0)) continue;
        if (k->format == CAT_CSV && !k->folder && !same && k->to->total)
            out_flush(k->to); /* what was begun ends with a whole line */
        if (k->format == CAT_CSV && !k->folder && !same)
            die(k->src->path,
                "a CSV holds one stream, and \"%s\" and \"%s\" are chosen; "
                "give --stream, or -o DIR/ for one file each",
                w->name, v->name);
        if (k->folder && !same)
            die(v->path, "would hold \"%s\" and \"%s\"; choose one with --stream", w->name,
                v->name);
        if (k->format == CAT_CSV && strcmp(w->header.s, v->header.s) != 0)
            die(k->src->path,
                "the fields of \"%s\" change in a later session; "
                "choose --fields that stay, or -f ndjson",
                v->name);
        v->to = w->to;
        v->headed = w->headed;
        return;
    }
    if (k->folder) v->to = out_open(v->path);
}

static void cat_csv_header(const cat *k, cat_view *v) {
    text cell = {NULL, 0, 0};
    size_t i;
    text_puts(&v->header, cat_has_field(v->stream->schema, "t_s") ? "_t_s" : "t_s");
    for (i = 0; i < v->cols.n; i++) {
        const telem_field *f = v->cols.at[i].c.field;
        int scaled = f->scale != 0 && (f->scale != 1 || f->bias != 0);
        cell.n = 0;
        text_puts(&cell, v->cols.at[i].path);
        if (f->unit && *f->unit && !(scaled && (k->flags & TELEM_PRINT_RAW)))
            text_printf(&cell, "[%s]", f->unit);
        text_puts(&v->header, ",");
        text_csv(&v->header, cell.s, cell.n, 0);
    }
    text_puts(&v->header, "\r\n");
    free(cell.s);
}

static void cat_view_fields(cat *k, cat_view *v) {
    const telem_schema *s = v->stream->schema;
    v->schema = s;
    if (k->format == CAT_CSV || k->fields.n) v->cols = columns_choose(s, &k->fields);
    if (k->fields.n && v->cols.n == 0) v->chosen = 0; /* has none of them */
    if (k->format == CAT_CSV) cat_csv_header(k, v);
    if (k->fields.n && v->cols.n && k->format != CAT_CSV) cat_project(k, v);
    v->key_stream = cat_has_field(v->schema, "stream") ? "_stream" : "stream";
    v->key_t = cat_has_field(v->schema, "t") ? "_t" : "t";
    v->key_row = cat_has_field(v->schema, "row") ? "_row" : "row";
    text_json(&v->name_json, v->stream->name, strlen(v->stream->name));
    if (k->format == CAT_TEXT) v->schema = cat_text_schema(v->schema);
}

static void cat_add_view(cat *k, const telem_file_stream *stream) {
    cat_view *v;
    k->views = (cat_view *)array_more(k->views, &k->n, sizeof *k->views);
    v = &k->views[k->n - 1];
    v->stream = stream;
    v->name = copy_string(stream->name);
    v->chosen = (uint8_t)names_match(&k->streams, stream->name);
    if (v->chosen) cat_view_fields(k, v);
    if (v->chosen) cat_view_out(k, v);
}

static cat_view *cat_view_of(cat *k, const telem_file_stream *stream) {
    size_t i;
    if (k->recent < k->n && k->views[k->recent].stream == stream) return &k->views[k->recent];
    for (i = 0; i < k->n; i++)
        if (k->views[i].stream == stream) {
            k->recent = i;
            return &k->views[i];
        }
    cat_add_view(k, stream);
    k->recent = k->n - 1;
    return &k->views[k->recent];
}

/* A stream of a session that ended is not this session's stream at the same address, and its
   clocks begin anew. */
static void cat_session(cat *k) {
    uint64_t id = telem_file_reader_session(&k->src->feed.r)->id;
    size_t i;
    if (k->session && k->session != id) {
        for (i = 0; i < k->n; i++) k->views[i].stream = NULL;
        if (!k->src->is_feed) { /* files of a feed share their clocks */
            spans_free(&k->time_spans);
            k->map.n = 0;
        }
    }
    k->session = id;
}

/* ---- lines ---- */

static void cat_grow_printed(text *t, size_t n) { text_room(t, n + 1); }

static void cat_head(cat_view *v) {
    if (!v->headed) out_bytes(v->to, v->header.s, v->header.n);
    v->headed = 1;
}

static void cat_csv_cell(cat *k, const column *c, const uint8_t *row) {
    text *cell = &k->cell;
    size_t n;
    text_puts(&k->line, ",");
    if (!column_present(c, row)) return;
    cell->n = 0;
    text_room(cell, 64);
    n = telem_cell_print(&c->c, c->element, row, k->flags, cell->s, cell->cap);
    if (n >= cell->cap) {
        text_room(cell, n + 1);
        n = telem_cell_print(&c->c, c->element, row, k->flags, cell->s, cell->cap);
    }
    if (column_text(c)) text_csv(&k->line, cell->s, n, n == 0);
    else if (c->c.type >= TELEM_ENUM8) text_csv(&k->line, cell->s, n, 0);
    else if (n != 3 || memcmp(cell->s, "nan", 3) != 0) text_add(&k->line, cell->s, n);
}

static void cat_csv_row(cat *k, cat_view *v, const telem_file_item *item) {
    char buf[48];
    size_t i;
    text_add(&k->line, buf, print_seconds(&v->stream->clock, item->time, buf));
    for (i = 0; i < v->cols.n; i++) cat_csv_cell(k, &v->cols.at[i], item->data);
    text_puts(&k->line, "\r\n");
}

typedef size_t cat_printer(const telem_schema *s, const void *row, uint32_t flags, char *buf,
                           size_t cap);

static void cat_printed(text *t, cat_printer *print, const telem_schema *s, const uint8_t *row,
                        uint32_t flags) {
    size_t n;
    text_room(t, 256);
    n = print(s, row, flags, t->s + t->n, t->cap - t->n);
    if (n >= t->cap - t->n) {
        cat_grow_printed(t, n);
        n = print(s, row, flags, t->s + t->n, t->cap - t->n);
    }
    t->n += n;
}

static void cat_json_row(cat *k, cat_view *v, const telem_file_item *item) {
    text *t = &k->line;
    const uint8_t *row = v->row ? cat_projected(v, item->data) : item->data;
    const char *quote = k->flags & TELEM_PRINT_INT64_STRING ? "\"" : "";
    char buf[48];
    size_t at;
    print_seconds(&v->stream->clock, item->time, buf);
    text_printf(t, "{\"%s\":%s,\"%s\":%s,\"%s\":%s%" PRIu64 "%s", v->key_stream, v->name_json.s,
                v->key_t, buf, v->key_row, quote, item->row, quote);
    at = t->n;
    cat_printed(t, telem_row_print_json, v->schema, row, k->flags);
    if (t->s[at + 1] == '}') { /* no fields */
        t->n = at;
        text_puts(t, "}");
    } else t->s[at] = ','; /* the row's own bracket joins its members to those before */
    text_puts(t, "\n");
}

static void cat_text_row(cat *k, cat_view *v, const telem_file_item *item) {
    char buf[48];
    print_seconds(&v->stream->clock, item->time, buf);
    text_printf(&k->line, "%s %s ", buf,
                cat_is_odd(v->stream->name) ? v->name_json.s : v->stream->name);
    cat_printed(&k->line, telem_row_print_text, v->schema,
                v->row ? cat_projected(v, item->data) : item->data, k->flags | TELEM_PRINT_UNITS);
    text_puts(&k->line, "\n");
}

/* ---- lines that are no rows (not in CSV; there stderr tells) ---- */

static void cat_count(cat *k, const char *key, uint64_t v) {
    const char *quote = k->flags & TELEM_PRINT_INT64_STRING ? "\"" : "";
    text_printf(&k->line, ",\"%s\":%s%" PRIu64 "%s", key, quote, v, quote);
}

static void cat_span(cat *k, const telem_clock *clock, int64_t first, int64_t last) {
    char a[48], b[48];
    print_seconds(clock, first, a);
    print_seconds(clock, last, b);
    text_printf(&k->line, k->format == CAT_TEXT ? " from %s to %s s" : ",\"first\":%s,\"last\":%s",
                a, b);
}

static void cat_named(cat *k, const char *kind, const char *name) {
    text_printf(&k->line, "{\"%s\":{\"stream\":", kind);
    text_json(&k->line, name, strlen(name));
}

static void cat_missing(cat *k, const telem_file_item *item) {
    const char *name = item->stream ? item->stream->name : "unknown",
               *what = item->error.what ? item->error.what : "";
    telem_clock none = TELEM_ZERO;
    if (k->format == CAT_TEXT)
        text_printf(&k->line, "# MISSING %s%" PRIu64 " rows of %s from row %" PRIu64 " on: %s",
                    item->at_least ? "at least " : "", item->count, name, item->row, what);
    else {
        cat_named(k, "missing", name);
        cat_count(k, "row", item->row);
        cat_count(k, "count", item->count);
        text_printf(&k->line, ",\"at_least\":%s", item->at_least ? "true" : "false");
    }
    if (item->has_span)
        cat_span(k, item->stream ? &item->stream->clock : &none, item->first, item->last);
    text_puts(&k->line, k->format == CAT_TEXT ? "\n" : "}}\n");
}

static void cat_loss(cat *k, const telem_loss *l) {
    const char *name = stream_name(k->src, l->stream);
    telem_clock clock = source_clock(k->src, l->clock);
    if (k->format == CAT_TEXT)
        text_printf(&k->line, "# LOST %s%" PRIu64 " records of %s: %s (%s)",
                    l->at_least ? "at least " : "", l->count, name, hop_name(l->hop),
                    cause_name(l->cause));
    else {
        cat_named(k, "loss", name);
        text_printf(&k->line, ",\"hop\":\"%s\",\"cause\":\"%s\"", hop_name(l->hop),
                    cause_name(l->cause));
        cat_count(k, "count", l->count);
        cat_count(k, "total", l->total);
        text_printf(&k->line, ",\"at_least\":%s,\"text\":", l->at_least ? "true" : "false");
        text_json(&k->line, l->text, l->text_len);
    }
    if (l->has_span) cat_span(k, &clock, l->first, l->last);
    text_puts(&k->line, k->format == CAT_TEXT ? "\n" : "}}\n");
}

static void cat_annotation(cat *k, const telem_annotation *a) {
    const char *name = stream_name(k->src, a->stream);
    telem_clock clock = source_clock(k->src, a->clock);
    char buf[48];
    print_seconds(&clock, a->time, buf);
    if (k->format == CAT_TEXT) {
        text_printf(&k->line, "%s # %s", buf, level_name(a->level));
        if (a->stream != TELEM_ALL_STREAMS) text_printf(&k->line, " %s", name);
        text_puts(&k->line, ": ");
        text_plain(&k->line, a->text, a->text_len);
        text_puts(&k->line, "\n");
        return;
    }
    cat_named(k, "annotation", name);
    text_printf(&k->line, ",\"t\":%s,\"level\":\"%s\",\"text\":", buf, level_name(a->level));
    text_json(&k->line, a->text, a->text_len);
    if (a->duration) {
        print_seconds(&clock, (int64_t)a->duration, buf);
        text_printf(&k->line, ",\"duration\":%s", buf);
    }
    text_puts(&k->line, "}}\n");
}

static void cat_metadata(cat *k, const telem_metadata *m) {
    const char *name = stream_name(k->src, m->stream);
    text plain = {NULL, 0, 0}, json = {NULL, 0, 0};
    text_puts(&plain, "");
    metadata_value(&plain, &json, m);
    if (k->format == CAT_NDJSON) {
        cat_named(k, "metadata", name);
        text_puts(&k->line, ",\"key\":");
        text_json(&k->line, m->key, m->key_len);
        text_printf(&k->line, ",\"value\":%s}}\n", json.s);
    }
    free(plain.s);
    free(json.s);
}

static void cat_damage(cat *k, const telem_file_item *item) {
    const char *what = item->error.what ? item->error.what : "";
    if (k->format == CAT_TEXT) {
        text_printf(&k->line, "# %s at byte %" PRIu64 ": %s, %" PRIu64 " bytes skipped\n",
                    damage_name(item->error.code), item->error.offset, what, item->bytes);
        return;
    }
    text_printf(&k->line, "{\"damage\":{\"kind\":\"%s\"", damage_name(item->error.code));
    cat_count(k, "offset", item->error.offset);
    cat_count(k, "bytes", item->bytes);
    text_puts(&k->line, ",\"what\":");
    text_json(&k->line, what, strlen(what));
    text_puts(&k->line, "}}\n");
}

/* ---- which rows ---- */

/* The bounds of a stream in its own ticks. On a pipe the clock's start is that of the first row
   seen on it. */
static void cat_bound(cat *k, cat_view *v, const telem_file_item *item) {
    span *s = spans_find(&k->time_spans, v->stream->clock_id);
    if (!s && item) {
        spans_add(&k->time_spans, v->stream->clock_id, item->time, item->time);
        s = spans_find(&k->time_spans, v->stream->clock_id);
    }
    v->in = range_bounds(k->src, &k->want, &v->stream->clock, s ? s->first : 0, s ? s->last : 0,
                         &k->map);
    v->bounded = 1;
}

static int cat_in_range(cat *k, cat_view *v, const telem_file_item *item) {
    if (!range_asked(&k->want)) return 1;
    if (!v->bounded) cat_bound(k, v, item);
    if (item->time > v->in.to && k->single) k->stopped = 1;
    return item->time >= v->in.from && item->time <= v->in.to;
}

static void cat_row(cat *k, const telem_file_item *item) {
    cat_view *v = cat_view_of(k, item->stream);
    if (!v->chosen || !cat_in_range(k, v, item)) return;
    if (k->printed == k->most) {
        k->stopped = 1;
        return;
    }
    if (k->format == CAT_CSV) cat_head(v);
    if (k->format == CAT_CSV) cat_csv_row(k, v, item);
    else if (k->format == CAT_NDJSON) cat_json_row(k, v, item);
    else cat_text_row(k, v, item);
    out_text(v->to, &k->line);
    if (++k->printed == k->most) k->stopped = 1;
}

/* Is what is told about a stream (or all) of those chosen? */
static int cat_concerns(cat *k, uint32_t stream) {
    size_t i;
    if (stream == TELEM_ALL_STREAMS || k->streams.n == 0) return 1;
    for (i = 0; i < k->n; i++)
        if (k->views[i].stream && k->views[i].stream->id == stream) return k->views[i].chosen;
    return 0;
}

static void cat_other(cat *k, const telem_file_item *item) {
    if (k->format == CAT_CSV || k->folder) return;
    if (item->kind == TELEM_ITEM_MISSING &&
        cat_concerns(k, item->stream ? item->stream->id : TELEM_ALL_STREAMS))
        cat_missing(k, item);
    if (item->kind == TELEM_ITEM_LOSS && cat_concerns(k, item->loss.stream))
        cat_loss(k, &item->loss);
    if (item->kind == TELEM_ITEM_ANNOTATION && cat_concerns(k, item->annotation.stream))
        cat_annotation(k, &item->annotation);
    if (item->kind == TELEM_ITEM_METADATA && cat_concerns(k, item->metadata.stream))
        cat_metadata(k, &item->metadata);
    if (item->kind == TELEM_ITEM_DAMAGE) cat_damage(k, item);
    out_text(k->to, &k->line);
}

static int cat_is_unordered(const telem_metadata *m) {
    return m->key_len == 9 && memcmp(m->key, "unordered", 9) == 0 && m->type == TELEM_VALUE_BOOL &&
           m->i;
}

static void cat_item(cat *k, const telem_file_item *item) {
    if (item->kind == TELEM_ITEM_SESSION) cat_session(k);
    if (item->kind == TELEM_ITEM_STREAM) cat_view_of(k, item->stream);
    if (item->kind == TELEM_ITEM_METADATA && cat_is_unordered(&item->metadata)) k->unordered = 1;
    if (item->kind == TELEM_ITEM_ROW) cat_row(k, item);
    else cat_other(k, item);
}

/* ---- the passes ---- */

static int cat_wants_utc(const cat *k) {
    return k->want.start.kind == WHEN_UTC || k->want.end.kind == WHEN_UTC;
}

static telem_file_stream *cat_only_stream(cat *k) {
    uint32_t i, n = telem_file_reader_stream_count(&k->src->feed.r);
    telem_file_stream *found = NULL;
    for (i = 0; i < n; i++) {
        telem_file_stream *st = source_stream(k->src, i);
        if (!st || !names_match(&k->streams, st->name)) continue;
        if (found) return NULL;
        found = st;
    }
    return found;
}

/* What stands before the first row; for UTC on a clock that is not UTC, all sync pairs. */
static void cat_read_ahead(cat *k, const telem_file_stream *only) {
    int syncs = only && cat_wants_utc(k) && only->clock.domain != TELEM_DOMAIN_UTC;
    uint32_t clock = only ? only->clock_id : 0;
    telem_file_item item;
    while (telem_file_next(&k->src->feed.r, &item) == TELEM_OK &&
           (syncs || item.kind != TELEM_ITEM_ROW)) {
        if (item.kind == TELEM_ITEM_METADATA && cat_is_unordered(&item.metadata)) k->unordered = 1;
        if (item.kind == TELEM_ITEM_SYNC && syncs) utc_map_item(&k->map, k->src, clock, &item.sync);
    }
}

static void cat_rewind(cat *k) {
    telem_result r = source_start(k->src);
    if (r != TELEM_OK) source_refused(k->src, r);
}

/* Two streams to a CSV are refused before anything is printed, where that can be known: not on a
   pipe, nor in a later session. */
static void cat_learn(cat *k) {
    uint32_t i;
    if (telem_file_reader_scan(&k->src->feed.r, NULL, 0) < 0) return;
    k->session = telem_file_reader_session(&k->src->feed.r)->id;
    for (i = 0; i < telem_file_reader_stream_count(&k->src->feed.r); i++)
        if (source_stream(k->src, i)) cat_view_of(k, source_stream(k->src, i));
}

/* A range of one stream in time order is found through the index. */
static void cat_seek(cat *k) {
    telem_file_stream *only;
    cat_view *v;
    k->time_spans = spans_scan(k->src);
    k->session = telem_file_reader_session(&k->src->feed.r)->id;
    cat_read_ahead(k, cat_only_stream(k));
    cat_rewind(k);
    cat_learn(k);
    only = cat_only_stream(k);
    if (!only || k->unordered) return;
    v = cat_view_of(k, only);
    if (!v->chosen) return;
    k->single = 1;
    cat_bound(k, v, NULL);
    if (v->in.from != INT64_MIN &&
        telem_file_seek_time(&k->src->feed.r, only, v->in.from) == TELEM_ERR_NOT_FOUND)
        k->stopped = 1;
}


/* The first chosen stream of the file at hand, and how many there are. */
static telem_file_stream *cat_first_stream(cat *k, uint32_t *count) {
    telem_file_stream *first = NULL;
    uint32_t i;
    *count = 0;
    for (i = 0; i < telem_file_reader_stream_count(&k->src->feed.r); i++) {
        telem_file_stream *st = source_stream(k->src, i);
        if (!st || !names_match(&k->streams, st->name)) continue;
        if (!first) first = st;
        ++*count;
    }
    return first;
}

/* Times of a feed: from its first file's first row to its last one's last. UTC wants all sync pairs. */
static void cat_feed_times(cat *k, const char *name, const telem_file_stream *stream) {
    telem_feed_span whole;
    telem_file_item item;
    uint32_t clock = stream->clock_id;
    if (cat_wants_utc(k) && stream->clock.domain != TELEM_DOMAIN_UTC) {
        telem_result r;
        while ((r = telem_feed_next(&k->src->feed, &item)) == TELEM_OK)
            if (item.kind == TELEM_ITEM_SYNC) utc_map_item(&k->map, k->src, clock, &item.sync);
    }
    if (telem_feed_reader_span(&k->src->feed, name, &whole) == TELEM_OK && whole.first <= whole.last)
        spans_add(&k->time_spans, clock, whole.first, whole.last);
}

/* The first row that is wanted of a feed. */
static void cat_seek_feed(cat *k) {
    telem_file_stream *first;
    uint32_t n;
    char *name;
    bounds in;
    telem_result r;
    span *s;
    telem_clock clock;
    if (!k->src->feed.reading || telem_file_reader_learn(&k->src->feed.r) != TELEM_OK) return;
    first = cat_first_stream(k, &n);
    if (!first) return;
    name = copy_string(first->name);
    clock = first->clock;
    clock.read = NULL;
    n = n == 1 ? first->clock_id : UINT32_MAX; /* one stream: it ends where its times do */
    cat_feed_times(k, name, first);
    s = k->time_spans.n ? &k->time_spans.at[0] : NULL;
    in = range_bounds(k->src, &k->want, &clock, s ? s->first : 0, s ? s->last : 0, &k->map);
    r = in.from == INT64_MIN ? telem_feed_seek_row(&k->src->feed, name, 0) : telem_feed_seek_time(&k->src->feed, name, in.from);
    if (r != TELEM_OK) die(k->src->path, "cannot be sought in: %s", telem_result_text(r));
    k->single = n != UINT32_MAX;
    free(name);
}

static void cat_flush(void *user) { out_flush(((cat *)user)->to); }

static void cat_run_follow(cat *k) {
    telem_file_item item;
    telem_result r;
    k->src->idle = cat_flush;
    k->src->user = k;
    if (range_asked(&k->want)) cat_seek_feed(k);
    else if (!k->all && (r = telem_feed_seek_now(&k->src->feed)) != TELEM_OK)
        die(k->src->path, "cannot be followed: %s", telem_result_text(r));
    while (!k->stopped && source_next(k->src, &item)) cat_item(k, &item);
}

static void cat_run_all(cat *k) {
    telem_file_item item;
    if (k->src->is_feed) {
        if (range_asked(&k->want)) cat_seek_feed(k);
        while (!k->stopped && source_next(k->src, &item)) cat_item(k, &item);
        return;
    }
    if (k->want.last && !source_seekable(k->src))
        die(k->src->path, "--last wants a file, not a pipe; save it first");
    if (range_asked(&k->want) && source_seekable(k->src)) cat_seek(k);
    else if (k->format == CAT_CSV && source_seekable(k->src)) cat_learn(k);
    while (!k->stopped && source_next(k->src, &item)) cat_item(k, &item);
    progress_clear();
}

static void cat_check_names(const cat *k) {
    const char *name;
    if (k->stopped) return; /* what was asked for may stand further on */
    if ((name = names_unused(&k->streams)) != NULL)
        die(k->src->path, "has no stream \"%s\"; telem info lists them", name);
    if ((name = names_unused(&k->fields)) != NULL)
        die(k->src->path, "has no field \"%s\" there; telem info --schema lists them", name);
}

static void cat_finish(cat *k) {
    size_t i, j;
    cat_check_names(k);
    for (i = 0; i < k->n; i++)
        if (k->views[i].chosen && k->format == CAT_CSV)
            cat_head(&k->views[i]); /* streams without rows, too */
    for (i = 0; i < k->n && k->folder; i++) {
        for (j = 0; j < i && k->views[j].to != k->views[i].to; j++) {}
        if (k->views[i].to && j == i) out_close(k->views[i].to);
    }
    if (k->to) out_close(k->to);
}

/* ---- the command line ---- */

static enum cat_format cat_format_of(const char *s) {
    if (strcmp(s, "text") == 0) return CAT_TEXT;
    if (strcmp(s, "ndjson") == 0 || strcmp(s, "json") == 0) return CAT_NDJSON;
    if (strcmp(s, "csv") == 0) return CAT_CSV;
    usage_error("cat", "--format \"%s\" is not csv, ndjson or text; see telem cat --help", s);
}

static void cat_option(cat *k, int c) {
    switch (c) {
    case 'f': k->format = cat_format_of(optarg); break;
    case 's': names_add(&k->streams, optarg); break;
    case 'F': names_add(&k->fields, optarg); break;
    case 'S': k->want.start = when_parse("cat", "--start", optarg); break;
    case 'E': k->want.end = when_parse("cat", "--end", optarg); break;
    case 'L': k->want.last = option_duration("cat", "--last", optarg); break;
    case 'n': k->most = option_number("cat", "-n", optarg, UINT64_MAX); break;
    case 'o': k->output = optarg; break;
    case 'r': k->flags |= TELEM_PRINT_RAW; break;
    case 'j': k->flags |= TELEM_PRINT_INT64_STRING; break;
    case 'a': k->all = 1; break;
    default: break;
    }
}

static void cat_output(cat *k) {
    const char *o = k->output ? k->output : "-";
    if (k->format == CAT_UNSET)
        k->format = ends_with(o, ".csv") ? CAT_CSV
                    : ends_with(o, ".ndjson") || ends_with(o, ".jsonl") || ends_with(o, ".json")
                        ? CAT_NDJSON
                        : CAT_TEXT;
    k->folder = ends_with(o, "/");
    if (k->folder && mkdir(o, 0777) != 0 && errno != EEXIST)
        die(o, "cannot create the folder: %s", strerror(errno));
    if (!k->folder) k->to = out_open(o);
}

static int command_cat(int argc, char **argv) {
    static const struct option options[] = {
        {"format", required_argument, NULL, 'f'}, {"stream", required_argument, NULL, 's'},
        {"fields", required_argument, NULL, 'F'}, {"start", required_argument, NULL, 'S'},
        {"end", required_argument, NULL, 'E'},    {"last", required_argument, NULL, 'L'},
        {"rows", required_argument, NULL, 'n'},   {"output", required_argument, NULL, 'o'},
        {"raw", no_argument, NULL, 'r'},          {"json-strings", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    static cat k;
    int c;
    k.most = UINT64_MAX;
    while ((c = getopt_long(argc, argv, ":f:s:F:n:o:h", options, NULL)) != -1) {
        if (c == 'h') print_help(cat_help);
        if (c == '?' || c == ':') option_error("cat", argv, c);
        cat_option(&k, c);
    }
    if (argc - optind != 1) usage_error("cat", "wants one FILE; see telem cat --help");
    k.src = source_open(argv[optind]);
    cat_output(&k);
    if (k.most) cat_run_all(&k);
    cat_finish(&k);
    c = source_verdict(k.src);
    source_close(k.src);
    return c;
}

static int command_follow(int argc, char **argv) {
    static const struct option options[] = {
        {"format", required_argument, NULL, 'f'}, {"stream", required_argument, NULL, 's'},
        {"fields", required_argument, NULL, 'F'}, {"start", required_argument, NULL, 'S'},
        {"end", required_argument, NULL, 'E'},    {"last", required_argument, NULL, 'L'},
        {"rows", required_argument, NULL, 'n'},   {"all", no_argument, NULL, 'a'},
        {"raw", no_argument, NULL, 'r'},          {"json-strings", no_argument, NULL, 'j'},
        {"poll", required_argument, NULL, 'p'},   {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    static cat k;
    int64_t poll_ns = 100000000;
    int c;
    k.most = UINT64_MAX;
    while ((c = getopt_long(argc, argv, ":f:s:F:n:ah", options, NULL)) != -1) {
        if (c == 'h') print_help(follow_help);
        if (c == '?' || c == ':') option_error("follow", argv, c);
        if (c == 'p') poll_ns = strcmp(optarg, "0s") == 0 || strcmp(optarg, "0") == 0 ? 0 : option_duration("follow", "--poll", optarg);
        cat_option(&k, c);
    }
    if (argc - optind != 1) usage_error("follow", "wants one FILE; see telem follow --help");
    k.follow = 1;
    k.src = source_open_feed(argv[optind], 1);
    if (!k.src) die(argv[optind], "no such file or feed; a feed is named DIR/NAME, telem feeds DIR lists them");
    k.src->poll_ns = (uint64_t)poll_ns;
    cat_output(&k);
    if (k.most) cat_run_follow(&k);
    k.stopped = 1;
    cat_finish(&k);
    c = source_verdict(k.src);
    source_close(k.src);
    return c;
}
