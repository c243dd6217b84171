/* tool_info.h - telem info: what is in a file, and what is not. A full pass, so all of it is
   verified. */

static const char info_help[] =
    "usage: telem info [options] FILE\n"
    "What a telem file holds: sessions, streams, schemas, clocks, metadata, losses, damage.\n"
    "Every byte is read and verified. FILE may be - for standard input.\n"
    "\n"
    "  -s, --schema     print each stream's schema\n"
    "  -j, --json       one JSON object; 64-bit integers are strings\n"
    "  -h, --help       this text\n"
    "\n"
    "json    {file, bytes, missing, lost, sessions: [{id, format, profile, created, clean_end,\n"
    "        streams: [{name, rows, missing, lost, bytes, first, last, first_s, last_s, ...}],\n"
    "        clocks, metadata, losses: [{stream, hop, cause, count, ...}]}], damage: [{kind,\n"
    "        offset, bytes, what}]}; missing: rows lost in the file, lost: records lost before it\n"
    "\n"
    "exit: 0 all there, 1 failure, 2 usage, 3 read, but data was lost\n"
    "\n"
    "examples:\n"
    "  telem info flight.tlm\n"
    "  telem info --json flight.tlm | jq '.sessions[0].streams[].rows'\n";

typedef struct info_stream {
    telem_file_health health; /* the latest row, where it is the writer's own stream */
    uint8_t is_health, has_health;
    uint32_t id, clock_id, row_size;
    telem_clock clock;
    text name, schema;
    const telem_file_stream *from; /* until the session ends */
    uint64_t rows, missing, lost, bytes, fingerprint;
    int64_t first, last;
    uint8_t backwards, at_least;
    int64_t latest;
    unsigned fields, columns;
} info_stream;

typedef struct info_loss {
    uint32_t stream, hop;
    uint64_t count, times;
    uint8_t cause, at_least, has_span;
    telem_clock clock;
    int64_t first, last;
    text words;
} info_loss;

typedef struct info_meta {
    uint32_t stream;
    text key, value, json;
} info_meta;

typedef struct info_clock {
    uint32_t id;
    telem_clock clock;
    text name;
    uint64_t syncs;
} info_clock;

typedef struct info_session {
    telem_file_session head;
    uint8_t ended, journal; /* has a journal zone */
    info_stream *streams;
    info_loss *losses;
    info_meta *meta;
    info_clock *clocks;
    size_t n_streams, n_losses, n_meta, n_clocks, last;
    uint64_t attachments, attached, unwhole; /* how many ended, their bytes, those that were not whole */
    uint64_t annotations, levels[5];
} info_session;

typedef struct info_damage {
    telem_error error;
    uint64_t bytes;
} info_damage;

typedef struct info {
    source *src;
    info_session *sessions;
    size_t n_sessions;
    info_damage *damage;
    size_t n_damage;
    uint64_t bytes; /* seen */
    int with_schema;
} info;

static info_session *info_now(info *f) { return &f->sessions[f->n_sessions - 1]; }

static void info_begin(info *f) {
    f->sessions = (info_session *)array_more(f->sessions, &f->n_sessions, sizeof *f->sessions);
    info_now(f)->head = *telem_file_reader_session(&f->src->feed.r);
    info_now(f)->journal = telem_file_reader_journal(&f->src->feed.r) != 0;
}

/* ---- gathering ---- */

static void info_add_stream(info *f, const telem_file_stream *st) {
    info_session *s = info_now(f);
    info_stream *p;
    size_t n = telem_schema_print(st->schema, NULL, 0);
    s->streams = (info_stream *)array_more(s->streams, &s->n_streams, sizeof *s->streams);
    p = &s->streams[s->n_streams - 1];
    p->id = st->id;
    p->clock_id = st->clock_id;
    p->clock = st->clock;
    p->row_size = st->row_size;
    p->from = st;
    p->fingerprint = st->fingerprint;
    p->is_health = st->fingerprint == telem_schema_fingerprint(&telem_file_health_schema);
    p->fields = st->schema->field_count;
    p->columns = telem_schema_columns(st->schema);
    text_puts(&p->name, st->name);
    text_room(&p->schema, n + 1);
    p->schema.n = telem_schema_print(st->schema, p->schema.s, n + 1);
}

static info_stream *info_stream_of(info_session *s, const telem_file_stream *st) {
    size_t i;
    if (s->last < s->n_streams && s->streams[s->last].from == st) return &s->streams[s->last];
    for (i = 0; i < s->n_streams; i++)
        if (s->streams[i].from == st) {
            s->last = i;
            return &s->streams[i];
        }
    return NULL;
}

static void info_row(info *f, const telem_file_item *item) {
    info_stream *p = info_stream_of(info_now(f), item->stream);
    if (!p) return;
    if (p->rows == 0) p->first = p->last = p->latest = item->time;
    if (item->time < p->latest) p->backwards = 1;
    if (item->time < p->first) p->first = item->time;
    if (item->time > p->last) p->last = item->time;
    p->latest = item->time;
    p->bytes = item->stream->bytes;
    p->rows++;
    if (p->is_health) {
        telem_file_health h;
        uint32_t worst = p->health.row_ns_worst;
        if (telem_file_get(item, &telem_file_health_schema, &h) != TELEM_OK) return;
        p->health = h;
        if (worst > h.row_ns_worst) p->health.row_ns_worst = worst; /* of all */
        p->has_health = 1;
    }
}

static void info_missing(info *f, const telem_file_item *item) {
    info_stream *p = item->stream ? info_stream_of(info_now(f), item->stream) : NULL;
    if (!p) return;
    p->missing += item->count;
    p->at_least |= item->at_least;
}

static info_loss *info_loss_of(info_session *s, const telem_loss *l) {
    size_t i;
    for (i = 0; i < s->n_losses; i++)
        if (s->losses[i].stream == l->stream && s->losses[i].hop == l->hop &&
            s->losses[i].cause == l->cause)
            return &s->losses[i];
    s->losses = (info_loss *)array_more(s->losses, &s->n_losses, sizeof *s->losses);
    s->losses[i].stream = l->stream;
    s->losses[i].hop = l->hop;
    s->losses[i].cause = l->cause;
    return &s->losses[i];
}

static void info_add_loss(info *f, const telem_loss *l) {
    info_session *s = info_now(f);
    info_loss *p = info_loss_of(s, l);
    size_t i;
    if (l->has_span && (!p->has_span || l->first < p->first)) p->first = l->first;
    if (l->has_span && (!p->has_span || l->last > p->last)) p->last = l->last;
    if (l->has_span) p->clock = source_clock(f->src, l->clock);
    p->has_span |= l->has_span;
    p->at_least |= l->at_least;
    p->count += l->count;
    p->times++;
    p->words.n = 0;
    text_plain(&p->words, l->text, l->text_len);
    for (i = 0; i < s->n_streams; i++)
        if (s->streams[i].id == l->stream) s->streams[i].lost += l->count;
}

static void info_add_meta(info *f, const telem_metadata *m) {
    info_session *s = info_now(f);
    info_meta *p = NULL;
    size_t i;
    for (i = 0; i < s->n_meta && !p; i++)
        if (s->meta[i].stream == m->stream && s->meta[i].key.n == m->key_len &&
            memcmp(s->meta[i].key.s, m->key, m->key_len) == 0)
            p = &s->meta[i];
    if (!p) {
        s->meta = (info_meta *)array_more(s->meta, &s->n_meta, sizeof *s->meta);
        p = &s->meta[s->n_meta - 1];
        p->stream = m->stream;
        text_add(&p->key, m->key, m->key_len);
    }
    p->value.n = p->json.n = 0; /* a later value replaces an earlier one */
    metadata_value(&p->value, &p->json, m);
}

static info_clock *info_clock_of(info *f, uint32_t id) {
    info_session *s = info_now(f);
    const char *name;
    info_clock *p;
    size_t i;
    for (i = 0; i < s->n_clocks; i++)
        if (s->clocks[i].id == id) return &s->clocks[i];
    s->clocks = (info_clock *)array_more(s->clocks, &s->n_clocks, sizeof *s->clocks);
    p = &s->clocks[i];
    p->id = id;
    p->clock = telem_file_reader_clock(&f->src->feed.r, id, &name);
    text_puts(&p->name, name);
    return p;
}

static void info_item(info *f, const telem_file_item *item) {
    info_session *s;
    if (telem_file_reader_session(&f->src->feed.r)->id != info_now(f)->head.id) info_begin(f);
    s = info_now(f);
    switch (item->kind) {
    case TELEM_ITEM_STREAM:
        info_add_stream(f, item->stream);
        info_clock_of(f, item->stream->clock_id);
        break;
    case TELEM_ITEM_CLOCK: info_clock_of(f, item->clock_id); break;
    case TELEM_ITEM_ROW: info_row(f, item); break;
    case TELEM_ITEM_LOSS: info_add_loss(f, &item->loss); break;
    case TELEM_ITEM_SYNC:
        info_clock_of(f, item->sync.clock_a)->syncs++;
        info_clock_of(f, item->sync.clock_b)->syncs++;
        break;
    case TELEM_ITEM_METADATA: info_add_meta(f, &item->metadata); break;
    case TELEM_ITEM_ANNOTATION:
        s->annotations++;
        if (item->annotation.level < 5) s->levels[item->annotation.level]++;
        break;
    case TELEM_ITEM_MISSING: info_missing(f, item); break;
    case TELEM_ITEM_DAMAGE:
        f->damage = (info_damage *)array_more(f->damage, &f->n_damage, sizeof *f->damage);
        f->damage[f->n_damage - 1].error = item->error;
        f->damage[f->n_damage - 1].bytes = item->bytes;
        break;
    case TELEM_ITEM_END: s->ended = 1; break;
    case TELEM_ITEM_ATTACHMENT:
        s->attached += item->attachment->size;
        if (!item->attachment->last && item->error.code != TELEM_ERR_TRUNCATED) break;
        s->attachments++;
        s->unwhole += !item->attachment->whole;
        break;
    case TELEM_ITEM_SESSION:
    default: break;
    }
}

/* ---- words ---- */

static const char *info_stream_name(const info_session *s, uint32_t id) {
    size_t i;
    for (i = 0; i < s->n_streams; i++)
        if (s->streams[i].id == id) return s->streams[i].name.s;
    return id == TELEM_ALL_STREAMS ? "all" : "unknown";
}

static int use_colour(void) {
    const char *no = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && !(no && *no);
}

/* ---- the text form ---- */

static void info_print_bytes(text *t, uint64_t bytes) {
    if (bytes < 10000) text_printf(t, "%" PRIu64 " B", bytes);
    else if (bytes < 10000000) text_printf(t, "%.1f kB", (double)bytes / 1e3);
    else text_printf(t, "%.1f MB", (double)bytes / 1e6);
}

static void info_print_rate(text *t, const info_stream *p) {
    double length = ticks_seconds(&p->clock, p->last) - ticks_seconds(&p->clock, p->first);
    double rate = length > 0 && p->rows > 1 ? (double)(p->rows - 1) / length : 0;
    if (rate <= 0) text_puts(t, "-");
    else if (rate >= 0.1) text_rate(t, rate);
    else text_printf(t, "one in %.4g s", 1 / rate);
}

static void info_print_time(text *t, const telem_clock *c, int64_t ticks) {
    char buf[48];
    if (c->domain == TELEM_DOMAIN_UTC) {
        text_puts(t, print_utc(telem_ticks_to_ns(c, ticks), buf));
        return;
    }
    print_seconds(c, ticks, buf);
    text_printf(t, "%s s", buf);
}

/* Line by line, under the stream that it belongs to. */
static void info_print_schema(text *t, const char *s) {
    while (*s) {
        size_t n = strcspn(s, "\n");
        text_puts(t, "    ");
        text_add(t, s, n);
        text_puts(t, "\n");
        s += n + (s[n] == '\n');
    }
}

static void info_print_stream(text *t, const info_stream *p, int colour, int with_schema) {
    char a[32], buf[48];
    text_printf(t, "%s%s%s", colour ? "\033[1m" : "", p->name.s, colour ? "\033[0m" : "");
    text_printf(t, "  %s rows, ", thousands(p->rows, a));
    info_print_rate(t, p);
    text_puts(t, ", ");
    info_print_bytes(t, p->bytes);
    if (p->rows && p->bytes)
        text_printf(t, " (%.*f B/row, row form %u B)", p->bytes / p->rows >= 100 ? 0 : 2,
                    (double)p->bytes / (double)p->rows, p->row_size);
    else if (p->rows) text_printf(t, " (all rows in the journal zone, row form %u B)", p->row_size);
    text_printf(t, ", %u field%s\n", p->fields, p->fields == 1 ? "" : "s");
    if (p->rows) {
        text_puts(t, "    from ");
        info_print_time(t, &p->clock, p->first);
        text_puts(t, " to ");
        info_print_time(t, &p->clock, p->last);
        print_span(&p->clock, p->first, p->last, buf);
        text_printf(t, " (%s s, clock %u)%s\n", buf, p->clock_id,
                    p->backwards ? ", times go back in places" : "");
    }
    if (p->has_health)
        text_printf(t, "    writer: %" PRIu64 " rows, %" PRIu64 " lost, %" PRIu64 " waiting, %u errors cleared, worst row %.1f us, %u syncs, worst %.1f us\n",
                    p->health.rows, p->health.lost, p->health.waiting, p->health.errors, p->health.row_ns_worst / 1e3, p->health.syncs,
                    p->health.sync_ns_worst / 1e3);
    if (p->missing || p->lost) {
        text_printf(t, "    %sLOST%s", colour ? "\033[31m" : "", colour ? "\033[0m" : "");
        if (p->missing)
            text_printf(t, " %s%s rows missing in the file", p->at_least ? "at least " : "",
                        thousands(p->missing, a));
        if (p->lost)
            text_printf(t, "%s %s records before the file", p->missing ? "," : "",
                        thousands(p->lost, a));
        text_puts(t, "\n");
    }
    if (with_schema) info_print_schema(t, p->schema.s);
}

static void info_print_clock(text *t, const info_clock *c) {
    text_printf(t, "  clock %u", c->id);
    if (c->name.n) text_printf(t, " \"%s\"", c->name.s);
    text_printf(t, "  %" PRIu64, clock_num(&c->clock));
    if (clock_den(&c->clock) != 1) text_printf(t, "/%u", clock_den(&c->clock));
    text_printf(t, " Hz, %s", domain_name(c->clock.domain));
    if (c->clock.bits && c->clock.bits < 64) text_printf(t, ", a %u-bit counter", c->clock.bits);
    if (c->syncs) text_printf(t, ", %" PRIu64 " sync pair%s", c->syncs, c->syncs == 1 ? "" : "s");
    text_puts(t, "\n");
}

static void info_print_loss(text *t, const info_session *s, const info_loss *l) {
    char a[32];
    text_printf(t, "  lost %s%s record%s of %s: %s (%s), in %" PRIu64 " report%s",
                l->at_least ? "at least " : "", thousands(l->count, a), l->count == 1 ? "" : "s",
                info_stream_name(s, l->stream), hop_name(l->hop), cause_name(l->cause), l->times,
                l->times == 1 ? "" : "s");
    if (l->has_span) {
        text_puts(t, ", from ");
        info_print_time(t, &l->clock, l->first);
        text_puts(t, " to ");
        info_print_time(t, &l->clock, l->last);
    }
    if (l->words.n) text_printf(t, ": %s", l->words.s);
    text_puts(t, "\n");
}

static void info_print_session(text *t, const info *f, const info_session *s, int colour) {
    char buf[48];
    size_t i;
    text_printf(t, "session %016" PRIx64 ", format %u.%u, %s profile", s->head.id, s->head.major,
                s->head.minor, s->head.profile == TELEM_FILE_WIRE ? "wire" : "disk");
    if (s->head.created) text_printf(t, ", created %s", print_utc(s->head.created, buf));
    if (s->head.sequence)
        text_printf(t, ", file %u of sequence %016" PRIx64, s->head.file_number, s->head.sequence);
    text_printf(t, ", %s\n",
                s->ended ? "closed cleanly" : "not closed (the writer was stopped or still runs)");
    if (s->journal) text_puts(t, "  journal: rows are kept when the writer is killed; its zone is part of the file's bytes\n");
    for (i = 0; i < s->n_meta; i++)
        text_printf(t, "  %s%s%s = %s\n",
                    s->meta[i].stream == TELEM_ALL_STREAMS ? ""
                                                           : info_stream_name(s, s->meta[i].stream),
                    s->meta[i].stream == TELEM_ALL_STREAMS ? "" : ": ", s->meta[i].key.s,
                    s->meta[i].value.s ? s->meta[i].value.s : "");
    for (i = 0; i < s->n_clocks; i++) info_print_clock(t, &s->clocks[i]);
    for (i = 0; i < s->n_streams; i++) info_print_stream(t, &s->streams[i], colour, f->with_schema);
    for (i = 0; i < s->n_losses; i++) info_print_loss(t, s, &s->losses[i]);
    if (s->attachments) {
        text_printf(t, "  attachments: %" PRIu64 ", ", s->attachments);
        info_print_bytes(t, s->attached);
        if (s->unwhole) text_printf(t, ", %" PRIu64 " of them not whole", s->unwhole);
        text_puts(t, " (telem extract)\n");
    }
    if (s->annotations) {
        text_puts(t, "  annotations:");
        for (i = 0; i < 5; i++)
            if (s->levels[i])
                text_printf(t, " %" PRIu64 " %s", s->levels[i], level_name((uint8_t)i));
        text_puts(t, "\n");
    }
}

static void info_print(text *t, const info *f) {
    int colour = use_colour();
    size_t i;
    text_puts(t, f->src->path);
    if (f->src->size) {
        text_puts(t, ": ");
        info_print_bytes(t, f->src->size);
    }
    text_puts(t, "\n");
    for (i = 0; i < f->n_sessions; i++) info_print_session(t, f, &f->sessions[i], colour);
    for (i = 0; i < f->n_damage && i < 20; i++)
        text_printf(t, "%s at byte %" PRIu64 ": %s, %" PRIu64 " bytes skipped\n",
                    damage_name(f->damage[i].error.code), f->damage[i].error.offset,
                    f->damage[i].error.what ? f->damage[i].error.what : "", f->damage[i].bytes);
    if (f->n_damage > 20)
        text_printf(t, "and %zu more such places (--json lists all)\n", f->n_damage - 20);
}

/* ---- JSON ---- */

static void info_json_time(text *t, const char *key, const telem_clock *c, int64_t ticks) {
    char buf[48];
    print_seconds(c, ticks, buf);
    text_printf(t, ",\"%s\":\"%" PRId64 "\",\"%s_s\":%s", key, ticks, key, buf);
}

static void info_json_stream(text *t, const info_stream *p, int with_schema) {
    text_printf(t, "{\"id\":\"%u\",\"name\":", p->id);
    text_json(t, p->name.s, p->name.n);
    text_printf(
        t,
        ",\"rows\":\"%" PRIu64 "\",\"missing\":\"%" PRIu64 "\",\"lost\":\"%" PRIu64
        "\",\"bytes\":\"%" PRIu64
        "\",\"row_size\":%u,\"fields\":%u,\"columns\":%u,\"clock\":\"%u\",\"fingerprint\":\"%016" PRIx64
        "\",\"ordered\":%s",
        p->rows, p->missing, p->lost, p->bytes, p->row_size, p->fields, p->columns, p->clock_id,
        p->fingerprint, p->backwards ? "false" : "true");
    if (p->rows) {
        info_json_time(t, "first", &p->clock, p->first);
        info_json_time(t, "last", &p->clock, p->last);
    }
    if (with_schema) {
        text_puts(t, ",\"schema\":");
        text_json(t, p->schema.s, p->schema.n);
    }
    text_puts(t, "}");
}

static void info_json_clock(text *t, const info_clock *c) {
    text_printf(t, "{\"id\":\"%u\",\"name\":", c->id);
    text_json(t, c->name.s, c->name.n);
    text_printf(t,
                ",\"hz_num\":\"%" PRIu64
                "\",\"hz_den\":%u,\"bits\":%u,\"domain\":\"%s\",\"syncs\":\"%" PRIu64 "\"}",
                clock_num(&c->clock), clock_den(&c->clock), c->clock.bits ? c->clock.bits : 64u,
                domain_name(c->clock.domain), c->syncs);
}

static void info_json_loss(text *t, const info_session *s, const info_loss *l) {
    const char *name = info_stream_name(s, l->stream);
    text_puts(t, "{\"stream\":");
    text_json(t, name, strlen(name));
    text_printf(t,
                ",\"hop\":\"%s\",\"cause\":\"%s\",\"count\":\"%" PRIu64
                "\",\"at_least\":%s,\"reports\":\"%" PRIu64 "\"",
                hop_name(l->hop), cause_name(l->cause), l->count, l->at_least ? "true" : "false",
                l->times);
    if (l->has_span) {
        info_json_time(t, "first", &l->clock, l->first);
        info_json_time(t, "last", &l->clock, l->last);
    }
    text_puts(t, "}");
}

static void info_json_meta(text *t, const info_session *s, const info_meta *m) {
    const char *name = info_stream_name(s, m->stream);
    text_puts(t, "{\"stream\":");
    text_json(t, name, strlen(name));
    text_puts(t, ",\"key\":");
    text_json(t, m->key.s, m->key.n);
    text_printf(t, ",\"value\":%s}", m->json.s);
}

static void info_json_session(text *t, const info *f, const info_session *s) {
    size_t i;
    text_printf(t,
                "{\"id\":\"%016" PRIx64
                "\",\"format\":\"%u.%u\",\"profile\":\"%s\",\"created\":\"%" PRId64
                "\",\"sequence\":\"%016" PRIx64
                "\",\"file_number\":%u,\"clean_end\":%s,\"annotations\":\"%" PRIu64
                "\",\"attachments\":\"%" PRIu64 "\",\"attached_bytes\":\"%" PRIu64 "\",\"damaged_attachments\":\"%" PRIu64 "\"",
                s->head.id, s->head.major, s->head.minor,
                s->head.profile == TELEM_FILE_WIRE ? "wire" : "disk", s->head.created,
                s->head.sequence, s->head.file_number, s->ended ? "true" : "false", s->annotations,
                s->attachments, s->attached, s->unwhole);
    text_puts(t, ",\"streams\":[");
    for (i = 0; i < s->n_streams; i++)
        text_puts(t, i ? "," : ""), info_json_stream(t, &s->streams[i], f->with_schema);
    text_puts(t, "],\"clocks\":[");
    for (i = 0; i < s->n_clocks; i++) text_puts(t, i ? "," : ""), info_json_clock(t, &s->clocks[i]);
    text_puts(t, "],\"metadata\":[");
    for (i = 0; i < s->n_meta; i++) text_puts(t, i ? "," : ""), info_json_meta(t, s, &s->meta[i]);
    text_puts(t, "],\"losses\":[");
    for (i = 0; i < s->n_losses; i++)
        text_puts(t, i ? "," : ""), info_json_loss(t, s, &s->losses[i]);
    text_puts(t, "]}");
}

static void info_json(text *t, const info *f) {
    size_t i;
    text_puts(t, "{\"file\":");
    text_json(t, f->src->path, strlen(f->src->path));
    text_printf(t,
                ",\"bytes\":\"%" PRIu64 "\",\"missing\":\"%" PRIu64 "\",\"lost\":\"%" PRIu64
                "\",\"sessions\":[",
                f->src->size, f->src->lost.missing, f->src->lost.ledger);
    for (i = 0; i < f->n_sessions; i++)
        text_puts(t, i ? "," : ""), info_json_session(t, f, &f->sessions[i]);
    text_puts(t, "],\"damage\":[");
    for (i = 0; i < f->n_damage; i++) {
        const char *what = f->damage[i].error.what ? f->damage[i].error.what : "";
        text_printf(
            t, "%s{\"kind\":\"%s\",\"offset\":\"%" PRIu64 "\",\"bytes\":\"%" PRIu64 "\",\"what\":",
            i ? "," : "", damage_name(f->damage[i].error.code), f->damage[i].error.offset,
            f->damage[i].bytes);
        text_json(t, what, strlen(what));
        text_puts(t, "}");
    }
    text_puts(t, "]}\n");
}

static int command_info(int argc, char **argv) {
    static const struct option options[] = {{"schema", no_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    static info f;
    telem_file_item item;
    text t = {NULL, 0, 0};
    out *o;
    int c, json = 0, code;
    while ((c = getopt_long(argc, argv, ":sjh", options, NULL)) != -1) switch (c) {
        case 's': f.with_schema = 1; break;
        case 'j': json = 1; break;
        case 'h': print_help(info_help);
        default: option_error("info", argv, c);
        }
    if (argc - optind != 1) usage_error("info", "wants one FILE; see telem info --help");
    f.src = source_open(argv[optind]);
    info_begin(&f);
    while (source_next(f.src, &item)) info_item(&f, &item);
    if (json) info_json(&t, &f);
    else info_print(&t, &f);
    o = out_open(NULL);
    out_text(o, &t);
    out_close(o);
    free(t.s);
    code = source_verdict(f.src);
    source_close(f.src);
    return code;
}
