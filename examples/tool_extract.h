/* tool_extract.h - telem extract: the attachments of a file (images, point clouds, configurations). Found by
   block headers; of an attachment no more than one piece is in memory. */

static const char extract_help[] =
    "usage: telem extract [options] FILE [NAME | ID]...\n"
    "Lists the attachments of a telem file or a feed (DIR/NAME), or writes those named into files\n"
    "of their names.\n"
    "\n"
    "  -a, --all          all of them\n"
    "  -d, --dir DIR      into this directory (.)\n"
    "  -o, --output OUT   one of them into this file; - is standard output\n"
    "  -j, --json         the list as a JSON array; 64-bit integers are strings\n"
    "  -h, --help         this text\n"
    "\n"
    "One that lacks bytes, or whose hash is wrong, is listed as damaged and not written.\n"
    "\n"
    "exit: 0 ok, 1 failure, 2 usage, 3 some are damaged or were cut\n"
    "\n"
    "examples:\n"
    "  telem extract flight.tlm\n"
    "  telem extract flight.tlm calibration.json -o - | jq .\n";

typedef struct extract_one {
    uint64_t id, bytes, missing;
    uint32_t session; /* the how manieth */
    uint8_t whole, ended, cut, wanted; /* cut: it was never finished */
    text name, media;
} extract_one;

typedef struct extract {
    const char *path, *dir, *output;
    extract_one *one;
    size_t n;
    int json, all;
} extract;

/* The next piece of any attachment, session after session. 0: the end. */
static int extract_next(source *s, telem_file_item *item, uint32_t *session) {
    telem_file_reader *r = &s->feed.r;
    for (;;) {
        telem_result e = s->is_feed ? telem_feed_next_attachment(&s->feed, 0, item) : telem_file_next_attachment(r, 0, item);
        if (e == TELEM_OK) return 1;
        if (e == TELEM_END && s->is_feed) return 0;
        if (e == TELEM_AGAIN) {
            source_wait(s);
        } else if (e == TELEM_END) {
            e = telem_file_next(r, item);
            if (e == TELEM_OK && item->kind == TELEM_ITEM_SESSION) ++*session;
            else if (e == TELEM_AGAIN) source_wait(s);
            else if (e == TELEM_END && !s->finished) s->finished = 1, telem_file_reader_finish(r);
            else if (e == TELEM_END) return 0;
        }
        if (e != TELEM_OK && e != TELEM_END && e != TELEM_AGAIN) {
            telem_error x = telem_file_reader_error(r);
            die(s->path, "cannot read on at byte %" PRIu64 ": %s", x.offset, x.what ? x.what : telem_result_text(e));
        }
    }
}

static extract_one *extract_find(extract *x, uint64_t id, uint32_t session) {
    size_t i;
    for (i = x->n; i-- > 0;)
        if (x->one[i].id == id && x->one[i].session == session && !x->one[i].ended) return &x->one[i];
    x->one = (extract_one *)array_more(x->one, &x->n, sizeof *x->one);
    x->one[x->n - 1].id = id;
    x->one[x->n - 1].session = session;
    return &x->one[x->n - 1];
}

static void extract_learn(extract *x) {
    source *s = source_open(x->path);
    telem_file_item item;
    uint32_t session = 0;
    while (extract_next(s, &item, &session)) {
        const telem_attachment *a = item.attachment;
        extract_one *e = extract_find(x, a->id, session);
        e->bytes += a->size;
        e->missing += a->missing;
        e->whole = a->whole;
        e->cut = item.error.code == TELEM_ERR_TRUNCATED;
        e->ended = (uint8_t)(a->last || e->cut);
        if (!e->name.n) text_plain(&e->name, a->name, a->name_len), text_plain(&e->media, a->media, a->media_len);
        progress(x->path, item.offset, s->size);
    }
    progress_clear();
    source_close(s);
}

static const char *extract_state(const extract_one *e) { return e->whole ? "whole" : e->cut ? "cut" : "damaged"; }

static void extract_list(const extract *x) {
    text t = {NULL, 0, 0};
    out *o;
    size_t i;
    if (x->json) text_puts(&t, "[");
    for (i = 0; i < x->n; i++) {
        const extract_one *e = &x->one[i];
        const char *name = e->name.s ? e->name.s : "", *media = e->media.s ? e->media.s : "";
        if (x->json) {
            text_printf(&t, "%s{\"id\":\"%" PRIu64 "\",\"name\":", i ? "," : "", e->id);
            text_json(&t, name, e->name.n);
            text_puts(&t, ",\"type\":");
            text_json(&t, media, e->media.n);
            text_printf(&t, ",\"bytes\":\"%" PRIu64 "\",\"missing\":\"%" PRIu64 "\",\"state\":\"%s\"}", e->bytes, e->missing, extract_state(e));
        } else {
            text_printf(&t, "%" PRIu64 "  %s  %s  ", e->id, *name ? name : "(its name is lost)", *media ? media : "-");
            info_print_bytes(&t, e->bytes);
            if (e->missing) text_printf(&t, ", %" PRIu64 " bytes missing", e->missing);
            text_printf(&t, "%s%s\n", e->whole ? "" : ", ", e->whole ? "" : extract_state(e));
        }
    }
    if (x->json) text_puts(&t, "]\n");
    o = out_open(NULL);
    out_text(o, &t);
    out_close(o);
    free(t.s);
}

/* A name from a file is hostile: nothing in it leads out of the directory. */
static char *extract_file_name(const extract *x, const extract_one *e) {
    text t = {NULL, 0, 0};
    size_t i, start;
    text_printf(&t, "%s/", x->dir ? x->dir : ".");
    start = t.n;
    text_puts(&t, e->name.s ? e->name.s : "");
    for (i = start; i < t.n; i++)
        if (t.s[i] == '/' || t.s[i] == '\\' || t.s[i] == ':' || (unsigned char)t.s[i] < 32 || (i == start && t.s[i] == '.')) t.s[i] = '_';
    if (t.n == start) text_printf(&t, "attachment-%" PRIu64, e->id);
    return t.s;
}

static void extract_write(const extract *x, const extract_one *e) {
    source *s = source_open(x->path);
    telem_file_item item;
    uint32_t session = 0;
    char *name = x->output ? copy_string(x->output) : extract_file_name(x, e);
    out *o = out_open(name);
    uint64_t left = e->bytes;
    int done = 0;
    while (!done && extract_next(s, &item, &session)) {
        if (session != e->session || item.attachment->id != e->id) continue;
        if (item.attachment->size > left) die(x->path, "changed while it was read");
        left -= item.attachment->size;
        out_bytes(o, item.attachment->data, item.attachment->size);
        done = item.attachment->last;
    }
    if (left) die(x->path, "changed while it was read");
    out_close(o);
    source_close(s);
    free(name);
}

/* Marks what is meant by a name or an id. */
static void extract_choose(extract *x, const char *what) {
    char *end;
    uint64_t id = strtoull(what, &end, 10);
    size_t i, found = 0;
    for (i = 0; i < x->n; i++)
        if ((x->one[i].name.s && strcmp(x->one[i].name.s, what) == 0) || (*what && !*end && x->one[i].id == id)) x->one[i].wanted = 1, found++;
    if (!found) die(x->path, "has no attachment \"%s\"; telem extract FILE lists them", what);
}

static int extract_do(extract *x) {
    int code = EXIT_OK;
    size_t i, n = 0;
    for (i = 0; i < x->n; i++) n += x->one[i].wanted;
    if (x->output && n != 1) usage_error("extract", "-o wants one attachment, %zu are chosen", n);
    for (i = 0; i < x->n; i++) {
        const extract_one *e = &x->one[i];
        if (!e->wanted) continue;
        if (e->whole) {
            extract_write(x, e);
            continue;
        }
        note(x->path, "attachment %" PRIu64 " is %s and is not written", e->id, extract_state(e));
        code = EXIT_LOST;
    }
    return code;
}

static int command_extract(int argc, char **argv) {
    static const struct option options[] = {{"all", no_argument, NULL, 'a'},          {"dir", required_argument, NULL, 'd'},
                                            {"output", required_argument, NULL, 'o'}, {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    static extract x;
    size_t i;
    int c, code = EXIT_OK;
    while ((c = getopt_long(argc, argv, ":ad:o:jh", options, NULL)) != -1) switch (c) {
        case 'a': x.all = 1; break;
        case 'd': x.dir = optarg; break;
        case 'o': x.output = optarg; break;
        case 'j': x.json = 1; break;
        case 'h': print_help(extract_help);
        default: option_error("extract", argv, c);
        }
    if (optind == argc) usage_error("extract", "wants a FILE; see telem extract --help");
    x.path = argv[optind++];
    if (strcmp(x.path, "-") == 0) usage_error("extract", "reads a file twice: standard input will not do");
    extract_learn(&x);
    for (i = 0; i < x.n; i++) x.one[i].wanted = (uint8_t)x.all;
    for (; optind < argc; optind++) extract_choose(&x, argv[optind]), x.all = 1;
    if (x.all) return extract_do(&x);
    extract_list(&x);
    if (!x.n && !x.json) note(x.path, "holds no attachments");
    for (i = 0; i < x.n; i++)
        if (!x.one[i].whole) code = EXIT_LOST;
    return code;
}
