/* tool_input.h - a telem file or pipe being read: what is lost, which streams and fields are
   chosen, which part of the time. */

/* -------------------------------------------------------------------------------- input ---- */

/* What a pass over a file found missing. */
typedef struct losses {
    uint64_t missing, ledger, damaged; /* rows, records, places */
    uint64_t attachments;              /* that are not whole */
    uint8_t at_least, unfinished;      /* unfinished: no end block */
    telem_error first;                 /* of the damage */
} losses;

/* A telem file or pipe, being read. */
typedef struct source {
    const char *path;
    int fd;
    uint64_t size; /* 0: unknown */
    telem_io base, io;
    text seen; /* a pipe's first bytes, to start again with more memory */
    size_t replay;
    uint8_t keep, finished;
    void *memory;
    size_t memory_size;
    losses lost;
    telem_feed_reader feed; /* its r reads a file or pipe alone, too */
    telem_dir dir;
    char *folder, *name;    /* of a feed */
    uint8_t is_feed, follow;
    void (*idle)(void *user); /* nothing comes at the moment */
    void *user;
    uint64_t poll_ns;
} source;

#define MEMORY_FIRST ((size_t)64 << 20)
#define MEMORY_MOST ((size_t)1 << (sizeof(size_t) > 4 ? 32 : 30))

static int64_t source_read(void *user, void *buf, size_t n) {
    source *s = (source *)user;
    int64_t got;
    if (s->replay < s->seen.n) {
        if (n > s->seen.n - s->replay) n = s->seen.n - s->replay;
        memcpy(buf, s->seen.s + s->replay, n);
        s->replay += n;
        return (int64_t)n;
    }
    got = s->base.read(s->base.user, buf, n);
    if (got > 0 && s->keep) {
        text_add(&s->seen, (const char *)buf, (size_t)got);
        s->replay = s->seen.n;
    }
    return got;
}

static telem_result source_seek(void *user, uint64_t pos) {
    source *s = (source *)user;
    return s->base.seek(s->base.user, pos);
}

static int64_t source_size(void *user) {
    source *s = (source *)user;
    return s->base.size(s->base.user);
}

static int source_seekable(const source *s) { return s->io.seek != NULL; }

/* Words for what a path may be instead of a file. */
static int open_input(const char *path, uint64_t *size, int *regular) {
    struct stat st;
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) die(path, "no such file; check the name");
    if (fd < 0) die(path, "cannot read: %s", strerror(errno));
    if (fstat(fd, &st) != 0) die(path, "cannot read: %s", strerror(errno));
    if (S_ISDIR(st.st_mode)) die(path, "is a directory; name a file in it");
    input_stat = st;
    input_open = 1;
    *regular = S_ISREG(st.st_mode);
    *size = *regular ? (uint64_t)st.st_size : 0;
    if (*regular && st.st_size == 0)
        die(path, "is empty (0 bytes); see whether the program that writes it still runs");
    return fd;
}

/* A pipe is kept in a file without a name, since two passes are needed. */
static int spool_pipe(const char *path, int fd, int is_text) {
    static char buf[65536];
    const char *zero;
    FILE *f = tmpfile();
    ssize_t got;
    uint64_t total = 0;
    if (!f) die(path, "cannot keep the pipe in a temporary file: %s; set TMPDIR", strerror(errno));
    while ((got = read(fd, buf, sizeof buf)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) die(path, "cannot read at byte %" PRIu64 ": %s", total, strerror(errno));
        if (is_text && (zero = (const char *)memchr(buf, 0, (size_t)got)) != NULL)
            die(path, "is no text: a zero byte (at byte %" PRIu64 "); is it UTF-16? iconv helps",
                total + (uint64_t)(zero - buf));
        if (fwrite(buf, 1, (size_t)got, f) != (size_t)got)
            die(path, "cannot keep the pipe in a temporary file: %s; set TMPDIR", strerror(errno));
        progress(path, total += (uint64_t)got, 0);
    }
    if (fflush(f) != 0)
        die(path, "cannot keep the pipe in a temporary file: %s; set TMPDIR", strerror(errno));
    if (total == 0) die(path, "is empty (0 bytes): no rows");
    return fileno(f);
}

NO_RETURN static void source_refused(source *s, telem_result r) {
    telem_error e = telem_file_reader_error(&s->feed.r);
    unsigned char head[256];
    size_t i, n = s->seen.n < sizeof head ? s->seen.n : sizeof head;
    const char *what = e.what ? e.what : telem_result_text(r);
    if (n) memcpy(head, s->seen.s, n);
    else {
        ssize_t got = pread(s->fd, head, sizeof head, 0);
        n = got > 0 ? (size_t)got : 0;
    }
    if (n == 0) die(s->path, "is empty (0 bytes): nothing was recorded into it");
    for (i = 0; i < n && (head[i] >= 32 || (head[i] >= 9 && head[i] <= 13)); i++) {}
    if (r == TELEM_ERR_CORRUPT && i == n)
        die(s->path,
            "is text, not a telem file (at byte 0); a CSV becomes one by: telem import %s out.tlm",
            s->path);
    if (r == TELEM_ERR_CORRUPT)
        die(s->path,
            "is not a telem file: %s at byte %" PRIu64
            "; or its beginning is missing: a stream is read from its start on",
            what, e.offset);
    if (r == TELEM_ERR_TRUNCATED)
        die(s->path, "is cut inside its header (at byte %" PRIu64 "): no rows are left in it",
            e.offset);
    die(s->path, "cannot be read: %s at byte %" PRIu64 "; a newer telem may", what, e.offset);
}

static telem_result source_start(source *s) {
    telem_file_reader_desc d = TELEM_ZERO;
    s->memory = grow(s->memory, s->memory_size);
    d.io = &s->io;
    d.memory = s->memory;
    d.memory_size = s->memory_size;
    s->replay = 0;
    if (s->base.seek && s->base.seek(s->base.user, 0) != TELEM_OK) return TELEM_ERR_IO;
    return telem_file_reader_open(&s->feed.r, &d);
}

/* folder/name: what a feed's path is made of. */
static void source_split(source *s, const char *path) {
    const char *slash = strrchr(path, '/');
    s->name = copy_string(slash ? slash + 1 : path);
    s->folder = copy_string(slash ? path : ".");
    if (slash) s->folder[slash == path ? 1 : slash - path] = 0;
    s->dir = telem_dir_system(s->folder);
}

static telem_result source_feed_start(source *s) {
    telem_feed_reader_desc d = TELEM_ZERO;
    telem_result r;
    if (s->memory_size == 0) s->memory_size = MEMORY_FIRST;
    for (;;) {
        s->memory = grow(s->memory, s->memory_size);
        d.dir = &s->dir;
        d.name = s->name;
        d.memory = s->memory;
        d.memory_size = s->memory_size;
        d.max_streams = 65535;
        d.follow = s->follow;
        r = telem_feed_reader_open(&s->feed, &d);
        if ((r != TELEM_ERR_MEMORY && r != TELEM_ERR_LIMIT) || s->memory_size >= MEMORY_MOST) return r;
        s->memory_size *= 2;
    }
}

/* A path that is no file may be the name of a feed: DIR/NAME for DIR/NAME.000001.tlm and so on. NULL: it is none. */
static source *source_open_feed(const char *path, int follow) {
    source *s = (source *)zalloc(1, sizeof *s);
    telem_result r;
    s->path = path;
    s->fd = -1;
    s->follow = (uint8_t)follow;
    s->poll_ns = 100000000;
    source_split(s, path);
    r = source_feed_start(s);
    if (r == TELEM_OK || r == TELEM_AGAIN) {
        s->is_feed = 1;
        if (r == TELEM_AGAIN) note(path, "is not there yet; waiting for it");
        return s;
    }
    if (r != TELEM_ERR_NOT_FOUND && r != TELEM_ERR_ARG) {
        telem_error e = telem_feed_reader_error(&s->feed);
        die(path, "cannot be read: %s at byte %" PRIu64, e.what ? e.what : telem_result_text(r), e.offset);
    }
    free(s->memory);
    free(s->folder);
    free(s->name);
    free(s);
    return NULL;
}

/* Memory grows until the limits in the stream's header fit. */
static source *source_open(const char *path) {
    source *s;
    struct stat st;
    int regular;
    telem_result r;
    if (strcmp(path, "-") != 0 && stat(path, &st) != 0 && errno == ENOENT && (s = source_open_feed(path, 0)) != NULL) return s;
    s = (source *)zalloc(1, sizeof *s);
    s->path = strcmp(path, "-") == 0 ? "standard input" : path;
    s->fd = open_input(path, &s->size, &regular);
    s->base = s->io = telem_io_fd(s->fd);
    s->io.user = s;
    s->io.read = source_read;
    s->io.write = NULL;
    s->io.sync = NULL;
    s->io.truncate = NULL;
    s->io.allocate = NULL;
    s->io.map = NULL;
    if (!regular) s->base.seek = s->io.seek = NULL;
    if (s->io.seek) s->io.seek = source_seek, s->io.size = source_size;
    else s->io.size = NULL, s->keep = 1;
    s->memory_size = MEMORY_FIRST;
    while ((r = source_start(s)) == TELEM_ERR_MEMORY || r == TELEM_ERR_LIMIT) {
        if (s->memory_size >= MEMORY_MOST)
            die(s->path, "wants more than %zu MiB of memory for one block: refused",
                MEMORY_MOST >> 20);
        s->memory_size *= 2;
    }
    if (r != TELEM_OK) source_refused(s, r);
    s->keep = 0;
    return s;
}

static void source_close(source *s) {
    if (s->is_feed) telem_feed_reader_close(&s->feed);
    else if (s->fd != STDIN_FILENO) close(s->fd);
    free(s->folder);
    free(s->name);
    free(s->memory);
    free(s->seen.s);
    free(s);
}

/* Stream number i; NULL when its schema was lost, so that nothing is known of it but its id. */
static telem_file_stream *source_stream(source *s, uint32_t i) {
    telem_file_stream *st = telem_file_reader_stream(&s->feed.r, i);
    return st && st->schema ? st : NULL;
}

static void source_wait(const source *s) {
    struct pollfd wait = {0, POLLIN, 0};
    if (s->is_feed) {
        struct timespec nap;
        if (s->idle) s->idle(s->user);
        nap.tv_sec = (time_t)(s->poll_ns / 1000000000u);
        nap.tv_nsec = (long)(s->poll_ns % 1000000000u);
        if (s->poll_ns) nanosleep(&nap, NULL);
        return;
    }
    wait.fd = s->fd;
    poll(&wait, 1, -1);
}

static void source_count(source *s, const telem_file_item *item) {
    losses *l = &s->lost;
    if (item->kind == TELEM_ITEM_MISSING) l->missing += item->count, l->at_least |= item->at_least;
    if (item->kind == TELEM_ITEM_LOSS)
        l->ledger += item->loss.count, l->at_least |= item->loss.at_least;
    if (item->kind == TELEM_ITEM_DAMAGE && l->damaged++ == 0) l->first = item->error;
    if (item->kind == TELEM_ITEM_ATTACHMENT)
        l->attachments += (item->attachment->last && !item->attachment->whole) || item->error.code == TELEM_ERR_TRUNCATED;
}

/* The next item: 1, or 0 at the end, where also an unfinished block is told. */
static int source_next(source *s, telem_file_item *item) {
    for (;;) {
        telem_result r = s->is_feed ? telem_feed_next(&s->feed, item) : telem_file_next(&s->feed.r, item);
        if (r == TELEM_OK) {
            source_count(s, item);
            if (item->stream && !item->stream->schema) item->stream = NULL;
            if (!s->is_feed) progress(s->path, item->offset, s->size);
            return 1;
        }
        if (r == TELEM_END && s->is_feed) s->finished = 1;
        if (r == TELEM_AGAIN) source_wait(s);
        else if (r == TELEM_END && s->finished) {
            progress_clear();
            s->lost.unfinished = !telem_file_reader_ended(&s->feed.r);
            return 0;
        } else if (r == TELEM_END) {
            s->finished = 1;
            telem_file_reader_finish(&s->feed.r);
        } else {
            telem_error e = s->is_feed ? telem_feed_reader_error(&s->feed) : telem_file_reader_error(&s->feed.r);
            die(s->path, "cannot read on at byte %" PRIu64 ": %s", e.offset,
                e.what ? e.what : telem_result_text(r));
        }
    }
}

/* One line about what is not there, and the exit code that says so. */
static int source_verdict(const source *s) {
    const losses *l = &s->lost;
    char a[32], b[32];
    text t = {NULL, 0, 0};
    if (l->missing)
        text_printf(&t, "%s%s rows are missing in the file", l->at_least ? "at least " : "",
                    thousands(l->missing, a));
    if (l->ledger)
        text_printf(&t, "%s%s records were lost before they reached the file", t.n ? ", " : "",
                    thousands(l->ledger, b));
    if (l->damaged)
        text_printf(&t, "%s%s at byte %" PRIu64 " (%s%s)", t.n ? ", " : "",
                    l->first.code == TELEM_ERR_UNSUPPORTED ? "a block is unknown"
                    : l->first.code == TELEM_ERR_TRUNCATED ? "it is cut"
                                                           : "it is damaged",
                    l->first.offset, l->first.what ? l->first.what : "",
                    l->damaged > 1 ? ", and more" : "");
    if (l->attachments) text_printf(&t, "%s%" PRIu64 " attachments are not whole", t.n ? ", " : "", l->attachments);
    if (!t.n) return EXIT_OK;
    note(s->path, "%s; telem info lists what is lost", t.s);
    free(t.s);
    return EXIT_LOST;
}

/* ---------------------------------------------------------------------- streams, fields ---- */

/* Names from repeated options and comma lists. */
typedef struct names {
    char **name;
    uint8_t *used;
    size_t n;
} names;

static void names_add(names *list, const char *s) {
    while (*s) {
        size_t n = strcspn(s, ",");
        if (n) {
            list->name = (char **)grow(list->name, (list->n + 1) * sizeof *list->name);
            list->used = (uint8_t *)grow(list->used, list->n + 1);
            list->name[list->n] = (char *)zalloc(n + 1, 1);
            memcpy(list->name[list->n], s, n);
            list->used[list->n++] = 0;
        }
        s += n + (s[n] == ',');
    }
}

/* No list: everything. Patterns are those of the shell. */
static int names_match(names *list, const char *name) {
    size_t i;
    int found = list->n == 0;
    for (i = 0; i < list->n; i++)
        if (strcmp(list->name[i], name) == 0 || fnmatch(list->name[i], name, 0) == 0)
            found = list->used[i] = 1;
    return found;
}

static const char *names_unused(const names *list) {
    size_t i;
    for (i = 0; i < list->n; i++)
        if (!list->used[i]) return list->name[i];
    return NULL;
}

/* One element of one column. */
typedef struct column {
    telem_column c;
    uint32_t element;
    char *path;
} column;

typedef struct columns {
    column *at;
    size_t n, cap;
} columns;

/* An absent value is all zero, inner presence bytes included: the innermost one tells. */
static int column_present(const column *c, const uint8_t *row) {
    return c->c.guard == TELEM_NO_GUARD || row[c->c.guard];
}

static const uint8_t *column_at(const column *c, const uint8_t *row) {
    return row + c->c.row + (size_t)c->element * c->c.width;
}

static int column_text(const column *c) {
    return c->c.type >= TELEM_CHARS && c->c.type <= TELEM_BLOB;
}

static void columns_push(columns *list, const telem_column *c, uint32_t element, const char *path) {
    if (list->n == list->cap) {
        list->cap = list->cap * 2 + 16;
        list->at = (column *)grow(list->at, list->cap * sizeof *list->at);
    }
    list->at[list->n].c = *c;
    list->at[list->n].element = element;
    list->at[list->n++].path = copy_string(path);
}

/* "pos" chooses pos, pos.x, pos[0], pos[0].y. The number of the first that does, or list->n. */
static size_t path_chosen(names *list, const char *path) {
    size_t i, found = list->n;
    for (i = list->n; i-- > 0;) {
        size_t n = strlen(list->name[i]);
        if ((strncmp(list->name[i], path, n) == 0 &&
             (path[n] == 0 || path[n] == '.' || path[n] == '[')) ||
            fnmatch(list->name[i], path, 0) == 0) {
            list->used[i] = 1;
            found = i;
        }
    }
    return found;
}

/* The columns whose path `fields` chooses by its name number `turn`. */
static void columns_turn(columns *list, const telem_schema *schema, names *fields, size_t turn) {
    telem_columns it;
    telem_column c;
    char path[4096];
    uint32_t e;
    telem_columns_begin(&it, schema);
    while (telem_columns_next(&it, &c))
        for (e = 0; e < c.count && !c.presence; e++) {
            telem_columns_name(&it, &c, e, path, sizeof path);
            if (path_chosen(fields, path) == turn) columns_push(list, &c, e, path);
        }
}

/* The value columns of a schema, element by element: all, or those chosen in the order chosen. */
static columns columns_choose(const telem_schema *schema, names *fields) {
    columns list = {NULL, 0, 0};
    size_t turn = 0;
    do columns_turn(&list, schema, fields, turn);
    while (++turn < fields->n);
    return list;
}

static void columns_free(columns *list) {
    size_t i;
    for (i = 0; i < list->n; i++) free(list->at[i].path);
    free(list->at);
    memset(list, 0, sizeof *list);
}

/* ---------------------------------------------------------------------- clocks, ranges ---- */

/* The name of a stream id, as known by now. */
static const char *stream_name(source *s, uint32_t id) {
    uint32_t i, n = telem_file_reader_stream_count(&s->feed.r);
    for (i = 0; i < n; i++) {
        const telem_file_stream *st = source_stream(s, i);
        if (st && st->id == id) return st->name;
    }
    return id == TELEM_ALL_STREAMS ? "all" : "unknown";
}

static telem_clock source_clock(source *s, uint32_t id) {
    const char *name;
    return telem_file_reader_clock(&s->feed.r, id, &name);
}

/* Moments seen on a stream's clock and on a UTC clock, gathered by a pass over the file. */
typedef struct utc_map {
    int64_t *ticks, *utc; /* ns */
    size_t n;
} utc_map;

static void utc_map_add(utc_map *m, int64_t ticks, int64_t utc) {
    m->ticks = (int64_t *)grow(m->ticks, (m->n + 1) * sizeof *m->ticks);
    m->utc = (int64_t *)grow(m->utc, (m->n + 1) * sizeof *m->utc);
    m->ticks[m->n] = ticks;
    m->utc[m->n++] = utc;
}

static void utc_map_item(utc_map *m, source *s, uint32_t clock, const telem_sync *p) {
    telem_clock a = source_clock(s, p->clock_a), b = source_clock(s, p->clock_b);
    if (p->clock_a == clock && b.domain == TELEM_DOMAIN_UTC)
        utc_map_add(m, p->ticks_a, telem_ticks_to_ns(&b, p->ticks_b));
    else if (p->clock_b == clock && a.domain == TELEM_DOMAIN_UTC)
        utc_map_add(m, p->ticks_b, telem_ticks_to_ns(&a, p->ticks_a));
}

/* UTC to ticks: linear between two pairs, at the nominal rate outside (section 10 of the format).
   Pairs are in the order of the file, which is that of their times. */
static int64_t utc_map_ticks(const utc_map *m, const telem_clock *clock, int64_t utc) {
    size_t i = 0;
    while (i < m->n && m->utc[i] <= utc) i++;
    if (i == 0) return m->ticks[0] + telem_ns_to_ticks(clock, utc - m->utc[0]);
    if (i < m->n && m->utc[i] > m->utc[i - 1] && m->ticks[i] >= m->ticks[i - 1])
        return m->ticks[i - 1] + telem_muldiv(utc - m->utc[i - 1],
                                              (uint64_t)(m->ticks[i] - m->ticks[i - 1]),
                                              (uint64_t)(m->utc[i] - m->utc[i - 1]));
    return m->ticks[i - 1] + telem_ns_to_ticks(clock, utc - m->utc[i - 1]);
}

/* What part of the time the user wants. */
typedef struct range {
    when start, end;
    int64_t last; /* ns; 0: not asked */
} range;

static int range_asked(const range *r) { return r->start.kind || r->end.kind || r->last; }

/* The range in ticks of one clock. */
typedef struct bounds {
    int64_t from, to; /* both included */
} bounds;

static int64_t ticks_after(int64_t a, int64_t b) { /* saturating */
    return b > 0 && a > INT64_MAX - b ? INT64_MAX : b < 0 && a < INT64_MIN - b ? INT64_MIN : a + b;
}

static int64_t when_ticks(source *s, const when *w, const telem_clock *clock, int64_t origin,
                          const utc_map *map) {
    switch (w->kind) {
    case WHEN_RELATIVE: return ticks_after(origin, telem_ns_to_ticks(clock, w->value));
    case WHEN_SECONDS: return telem_ns_to_ticks(clock, w->value);
    case WHEN_UTC:
        if (clock->domain == TELEM_DOMAIN_UTC) return telem_ns_to_ticks(clock, w->value);
        if (map && map->n) return utc_map_ticks(map, clock, w->value);
        die(s->path, "its clock is not tied to UTC; give times after the start, such as 5s");
    case WHEN_NONE:
    case WHEN_TICKS:
    default: return w->value;
    }
}

static bounds range_bounds(source *s, const range *r, const telem_clock *clock, int64_t first,
                           int64_t last, const utc_map *map) {
    bounds b = {INT64_MIN, INT64_MAX};
    if (r->start.kind) b.from = when_ticks(s, &r->start, clock, first, map);
    if (r->end.kind) b.to = when_ticks(s, &r->end, clock, first, map);
    if (r->last) {
        int64_t from = ticks_after(last, -telem_ns_to_ticks(clock, r->last));
        if (from > b.from) b.from = from; /* with --start both hold */
    }
    return b;
}

/* First and last time of each clock over all streams of a file that seeks. */
typedef struct span {
    uint32_t clock;
    int64_t first, last;
} span;

typedef struct spans {
    span *at;
    size_t n;
    telem_file_totals *totals; /* one per stream */
    uint32_t streams;
} spans;

static span *spans_find(spans *list, uint32_t clock) {
    size_t i;
    for (i = 0; i < list->n; i++)
        if (list->at[i].clock == clock) return &list->at[i];
    return NULL;
}

static void spans_add(spans *list, uint32_t clock, int64_t first, int64_t last) {
    span *p = spans_find(list, clock);
    if (!p) {
        list->at = (span *)grow(list->at, (list->n + 1) * sizeof *list->at);
        p = &list->at[list->n++];
        p->clock = clock;
        p->first = first;
        p->last = last;
    }
    if (first < p->first) p->first = first;
    if (last > p->last) p->last = last;
}

/* A stream's times over all that is read, under its name. */
typedef struct named_span {
    char *name;
    uint32_t clock;
    telem_file_totals sum;
} named_span;

static named_span *named_find(named_span *all, size_t n, const char *name) {
    while (n-- > 0)
        if (strcmp(all[n].name, name) == 0) return &all[n];
    return NULL;
}

static void named_row(named_span **all, size_t *n, const telem_file_item *item) {
    named_span *x = named_find(*all, *n, item->stream->name);
    if (!x) {
        *all = (named_span *)array_more(*all, n, sizeof **all);
        x = &(*all)[*n - 1];
        x->name = copy_string(item->stream->name);
        x->clock = item->stream->clock_id;
        x->sum.first = x->sum.last = item->time;
    }
    if (item->time < x->sum.first) x->sum.first = item->time;
    if (item->time > x->sum.last) x->sum.last = item->time;
    x->sum.rows++;
}

/* At the start again, with all streams of the first file known: how many. */
static int64_t source_again(source *s) {
    telem_result r;
    if (s->is_feed) telem_feed_reader_close(&s->feed);
    r = s->is_feed ? source_feed_start(s) : source_start(s);
    if (r != TELEM_OK) die(s->path, "cannot be read again: %s", telem_result_text(r));
    return telem_file_reader_scan(&s->feed.r, NULL, 0);
}

/* The same by reading all rows: those that are in a journal only, or in many files. */
static spans spans_read(source *s) {
    spans list = {NULL, 0, NULL, 0};
    named_span *all = NULL, *x;
    telem_file_item item;
    telem_result r;
    size_t n = 0, i;
    int64_t streams;
    while ((r = s->is_feed ? telem_feed_next(&s->feed, &item) : telem_file_next(&s->feed.r, &item)) == TELEM_OK)
        if (item.kind == TELEM_ITEM_ROW && item.stream->schema) named_row(&all, &n, &item);
    streams = source_again(s);
    if (streams < 0) die(s->path, "cannot be scanned: %s", telem_result_text((telem_result)streams));
    list.streams = (uint32_t)streams;
    list.totals = (telem_file_totals *)zalloc((size_t)streams, sizeof *list.totals);
    for (i = 0; i < (size_t)streams; i++) {
        const telem_file_stream *st = source_stream(s, (uint32_t)i);
        list.totals[i].first = 1;
        if (st && (x = named_find(all, n, st->name)) != NULL) list.totals[i] = x->sum;
    }
    for (i = 0; i < n; i++) {
        spans_add(&list, all[i].clock, all[i].sum.first, all[i].sum.last);
        free(all[i].name);
    }
    free(all);
    return list;
}

static spans spans_scan(source *s) {
    spans list = {NULL, 0, NULL, 0};
    int64_t n, i;
    if (s->is_feed || telem_file_reader_journal(&s->feed.r) == 2) return spans_read(s);
    n = telem_file_reader_scan(&s->feed.r, NULL, 0);
    if (n >= 0) {
        list.totals = (telem_file_totals *)zalloc((size_t)n, sizeof *list.totals);
        n = telem_file_reader_scan(&s->feed.r, list.totals, (uint32_t)n);
    }
    if (n < 0) die(s->path, "cannot be scanned: %s", telem_result_text((telem_result)n));
    list.streams = (uint32_t)n;
    for (i = 0; i < n; i++) {
        const telem_file_stream *st = source_stream(s, (uint32_t)i);
        if (st && list.totals[i].first <= list.totals[i].last)
            spans_add(&list, st->clock_id, list.totals[i].first, list.totals[i].last);
    }
    return list;
}

static void spans_free(spans *list) {
    free(list->at);
    free(list->totals);
    memset(list, 0, sizeof *list);
}

/* -------------------------------------------------------------------------------- words ---- */

static const char *hop_name(uint32_t hop) {
    static const char *const names_of[] = {"producer", "ring_refused", "ring_overwritten",
                                           "writer",   "link",         "shm"};
    return hop < 6 ? names_of[hop] : "application";
}
static const char *cause_name(uint8_t cause) {
    static const char *const names_of[] = {"unknown", "full",        "overwritten", "io_error",
                                           "damaged", "undecodable", "expelled",    "aborted"};
    return cause < 8 ? names_of[cause] : "unknown";
}
static const char *domain_name(uint8_t domain) {
    static const char *const names_of[] = {"boot", "utc", "tai", "user"};
    return domain < 4 ? names_of[domain] : "unknown";
}
static const char *level_name(uint8_t level) {
    static const char *const names_of[] = {"debug", "info", "warning", "error", "fatal"};
    return level < 5 ? names_of[level] : "unknown";
}
static const char *damage_name(telem_result code) {
    return code == TELEM_ERR_TRUNCATED     ? "cut"
           : code == TELEM_ERR_UNSUPPORTED ? "unsupported"
                                           : "damaged";
}

/* A value for people, and as JSON. */
static void metadata_value(text *plain, text *json, const telem_metadata *m) {
    char buf[40];
    size_t n, i;
    switch (m->type) {
    case TELEM_VALUE_INT:
        text_printf(plain, "%" PRId64, m->i);
        text_printf(json, "\"%" PRId64 "\"", m->i);
        break;
    case TELEM_VALUE_F64:
        n = telem_print_f64(buf, sizeof buf, m->f);
        text_add(plain, buf, n);
        text_puts(json, m->f - m->f == 0 ? buf : "null"); /* NaN and Inf are no JSON */
        break;
    case TELEM_VALUE_BOOL:
        text_puts(plain, m->i ? "true" : "false");
        text_puts(json, m->i ? "true" : "false");
        break;
    case TELEM_VALUE_TEXT:
        text_plain(plain, (const char *)m->data, m->size);
        text_json(json, (const char *)m->data, m->size);
        break;
    default:
        for (i = 0; i < m->size; i++) text_printf(plain, "%02x", ((const uint8_t *)m->data)[i]);
        text_json(json, plain->s ? plain->s : "", plain->n);
    }
}
