/* tool_feeds.h - telem feeds: the feeds of a directory. */

static const char feeds_help[] =
    "usage: telem feeds [options] [DIR]\n"
    "The feeds of a directory (.): recordings in files NAME.000001.tlm, NAME.000002.tlm and so on.\n"
    "\n"
    "  -l, --long         their streams, too: rows and time spans (reads the headers of all files)\n"
    "      --json         one JSON array; 64-bit integers as strings\n"
    "  -h, --help         this text\n"
    "\n"
    "exit: 0 ok, 1 failure, 2 usage\n"
    "\n"
    "examples:\n"
    "  telem feeds log\n"
    "  telem feeds --json log | jq -r '.[].name'\n";

typedef struct feeds {
    const char *folder;
    telem_dir dir;
    telem_feed_info *info;
    uint32_t n;
    int json, with_streams;
    text out;
} feeds;

static void feeds_read(feeds *f) {
    uint32_t cap = 64;
    int64_t n;
    for (;; cap *= 4) {
        f->info = (telem_feed_info *)grow(f->info, cap * sizeof *f->info);
        n = telem_feed_list(&f->dir, f->info, cap);
        if (n != TELEM_ERR_LIMIT || cap > 1u << 20) break;
    }
    if (n < 0) die(f->folder, "cannot be listed: %s", telem_result_text((telem_result)n));
    f->n = (uint32_t)n;
}

static void feeds_stream(feeds *f, source *s, const char *name, uint32_t number) {
    telem_feed_span x;
    telem_clock clock = TELEM_ZERO;
    char a[32], b[48], c[48];
    telem_result r;
    uint32_t i;
    if (telem_feed_reader_span(&s->feed, name, &x) != TELEM_OK) return;
    (void)telem_feed_seek_row(&s->feed, name, x.end_row);
    for (i = 0; i < telem_file_reader_stream_count(&s->feed.r); i++) {
        const telem_file_stream *st = source_stream(s, i);
        if (st && strcmp(st->name, name) == 0) clock = st->clock;
    }
    clock.read = NULL;
    r = x.first <= x.last ? TELEM_OK : TELEM_END;
    if (r == TELEM_OK) print_seconds(&clock, x.first, b), print_seconds(&clock, x.last, c);
    if (f->json) {
        text_puts(&f->out, number ? ",{\"name\":" : "{\"name\":");
        text_json(&f->out, name, strlen(name));
        text_printf(&f->out, ",\"first_row\":\"%" PRIu64 "\",\"end_row\":\"%" PRIu64 "\"", x.first_row, x.end_row);
        if (r == TELEM_OK) text_printf(&f->out, ",\"first\":%s,\"last\":%s", b, c);
        text_puts(&f->out, "}");
        return;
    }
    text_puts(&f->out, "  ");
    text_plain(&f->out, name, strlen(name));
    text_printf(&f->out, ": %s rows", thousands(x.end_row - x.first_row, a));
    if (r == TELEM_OK) text_printf(&f->out, ", %s to %s s (%s)", b, c, domain_name(clock.domain));
    text_puts(&f->out, "\n");
}

/* The streams of a feed are those of its newest readable file. */
static void feeds_streams(feeds *f, const char *feed) {
    text path = {NULL, 0, 0};
    source *s;
    char **called;
    uint32_t i, n;
    text_printf(&path, "%s/%s", f->folder, feed);
    s = source_open_feed(path.s, 0);
    if (!s || telem_feed_seek_now(&s->feed) != TELEM_OK) return;
    n = telem_file_reader_stream_count(&s->feed.r);
    called = (char **)zalloc(n, sizeof *called);
    for (i = 0; i < n; i++) {
        const telem_file_stream *st = source_stream(s, i);
        called[i] = st ? copy_string(st->name) : NULL;
    }
    for (i = 0; i < n; i++)
        if (called[i]) feeds_stream(f, s, called[i], i);
    for (i = 0; i < n; i++) free(called[i]);
    free(called);
    source_close(s);
    free(path.s);
}

static void feeds_time(text *t, int64_t ns) {
    time_t at = (time_t)(ns / 1000000000);
    struct tm tm;
    char buf[40];
    if (!gmtime_r(&at, &tm) || strftime(buf, sizeof buf, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) buf[0] = 0;
    text_puts(t, buf);
}

static void feeds_print(feeds *f) {
    uint32_t i;
    size_t wide = 4;
    for (i = 0; i < f->n; i++)
        if (strlen(f->info[i].name) > wide) wide = strlen(f->info[i].name);
    if (f->json) text_puts(&f->out, "[");
    else if (f->n) text_printf(&f->out, "%-*s  %7s  %15s  %-20s  files\n", (int)wide, "feed", "files", "bytes", "written last");
    for (i = 0; i < f->n; i++) {
        const telem_feed_info *x = &f->info[i];
        char b[32];
        if (f->json) {
            text_printf(&f->out, "%s{\"name\":\"%s\",\"files\":%" PRIu32 ",\"first\":%" PRIu32 ",\"last\":%" PRIu32 ",\"bytes\":\"%" PRIu64 "\",\"modified\":\"",
                        i ? ",\n" : "", x->name, x->files, x->first, x->last, x->bytes);
            feeds_time(&f->out, x->modified);
            text_puts(&f->out, f->with_streams ? "\",\"streams\":[" : "\"}");
        } else {
            text_printf(&f->out, "%-*s  %7" PRIu32 "  %15s  ", (int)wide, x->name, x->files, thousands(x->bytes, b));
            feeds_time(&f->out, x->modified);
            text_printf(&f->out, "  %s.%06" PRIu32 ".tlm", x->name, x->first);
            text_printf(&f->out, x->last > x->first ? " .. %06" PRIu32 "\n" : "\n", x->last);
        }
        if (f->with_streams) feeds_streams(f, x->name);
        if (f->with_streams && f->json) text_puts(&f->out, "]}");
    }
    if (f->json) text_puts(&f->out, "]\n");
    else if (f->n == 0) note(f->folder, "has no feeds");
}

static int command_feeds(int argc, char **argv) {
    static const struct option options[] = {
        {"long", no_argument, NULL, 'l'}, {"json", no_argument, NULL, 'J'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    static feeds f;
    struct stat st;
    out *o;
    int c;
    while ((c = getopt_long(argc, argv, ":lh", options, NULL)) != -1) {
        if (c == 'h') print_help(feeds_help);
        if (c == '?' || c == ':') option_error("feeds", argv, c);
        if (c == 'l') f.with_streams = 1;
        if (c == 'J') f.json = 1;
    }
    if (argc - optind > 1) usage_error("feeds", "wants one DIR; see telem feeds --help");
    f.folder = optind < argc ? argv[optind] : ".";
    if (stat(f.folder, &st) != 0) die(f.folder, "cannot be listed: %s", strerror(errno));
    if (!S_ISDIR(st.st_mode)) die(f.folder, "is no directory; telem info looks into a file");
    f.dir = telem_dir_system(f.folder);
    feeds_read(&f);
    feeds_print(&f);
    o = out_open(NULL);
    out_text(o, &f.out);
    out_close(o);
    free(f.info);
    free(f.out.s);
    return EXIT_OK;
}
