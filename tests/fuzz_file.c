/* fuzz_file.c - telem_file.h under libFuzzer. The first byte chooses what the rest is:
     0  a stream as it is                       1  a stream behind a good header
     2  the same, header and payload checks of what looks like a block put right first, so that the
        fuzzer gets behind the hashes
     3  orders for a writer: what it writes must be read back row by row
     4  a written file, damaged at places that the input names
   255  a file with a journal zone whose writer was killed, zone and blocks changed where the input says, then all
        checks put right: what stands behind them is read, appended to, and read again
   Whatever comes, the reader must not crash, must come to an end, and must not contradict itself. */
#define _POSIX_C_SOURCE 200809L
#include "file_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define die() die_at(__LINE__)
static void die_at(int line) {
    printf("fuzz_file.c:%d\n", line);
    fflush(stdout); /* also what the kit said */
    abort();
}

#define MEMORY 60000u
#define MAX_ITEMS 600u /* a run token makes a million rows of a few bytes */

/* --- any bytes --- */

static uint64_t touched;
static void touch(const void *p, size_t n) { /* the sanitizer looks at every byte handed out */
    const uint8_t *b = (const uint8_t *)p;
    while (n--) touched += *b++;
}

static void look_at(telem_file_reader *r, const telem_file_item *item) {
    uint8_t *rec;
    if (item->stream) touch(item->stream->name, strlen(item->stream->name));
    switch (item->kind) {
    case TELEM_ITEM_ROW:
        touch(item->data, item->stream->row_size);
        rec = (uint8_t *)kit_alloc(item->stream->schema->size);
        if (telem_file_get(item, item->stream->schema, rec) == TELEM_OK) touch(&rec, sizeof rec);
        free(rec);
        break;
    case TELEM_ITEM_LOSS: touch(item->loss.text, item->loss.text_len); break;
    case TELEM_ITEM_ANNOTATION: touch(item->annotation.text, item->annotation.text_len); break;
    case TELEM_ITEM_METADATA:
        touch(item->metadata.key, item->metadata.key_len);
        if (item->metadata.type == TELEM_VALUE_TEXT || item->metadata.type == TELEM_VALUE_BYTES) touch(item->metadata.data, item->metadata.size);
        break;
    case TELEM_ITEM_ATTACHMENT:
        touch(item->attachment->data, item->attachment->size);
        touch(item->attachment->name, item->attachment->name_len);
        touch(item->attachment->media, item->attachment->media_len);
        if (item->attachment->whole && (!item->attachment->last || item->error.code != TELEM_OK)) die();
        break;
    case TELEM_ITEM_MISSING:
    case TELEM_ITEM_DAMAGE:
        if (item->error.code == TELEM_OK || !item->error.what) die();
        break;
    case TELEM_ITEM_SESSION:
    case TELEM_ITEM_STREAM:
    case TELEM_ITEM_CLOCK:
    case TELEM_ITEM_SYNC:
    case TELEM_ITEM_END:
    default: touch(telem_file_reader_session(r), sizeof(telem_file_session)); break;
    }
}

static uint64_t read_out(telem_file_reader *r) {
    telem_file_item item;
    uint64_t n = 0;
    int finished = 0;
    while (n < MAX_ITEMS) {
        telem_result e = telem_file_next(r, &item);
        if (e == TELEM_OK) {
            n++;
            look_at(r, &item);
        } else if (e == TELEM_END && !finished) {
            finished = 1;
            (void)telem_file_reader_finish(r);
        } else {
            break;
        }
    }
    return n;
}

static void read_bytes(const uint8_t *p, size_t n, uint8_t how) {
    telem_file_reader r;
    telem_file_reader_desc d = TELEM_ZERO;
    telem_memory_io m;
    kit_pipe pipe;
    telem_io io = how & 1 ? kit_pipe_io(&pipe, p, n, 0, 0) : telem_io_memory_view(&m, p, n);
    telem_file_totals totals[3];
    telem_file_stream *s;
    uint32_t i;
    if (how & 1) pipe.most = 1u + (how >> 2);
    d.io = &io;
    d.memory_size = how & 2 ? 13000u : MEMORY;
    d.memory = kit_alloc(d.memory_size);
    if (telem_file_reader_open(&r, &d) == TELEM_OK) {
        telem_file_item piece;
        (void)read_out(&r);
        if (telem_file_reader_learn(&r) == TELEM_OK)
            for (i = 0; i < MAX_ITEMS && telem_file_next_attachment(&r, how & 8, &piece) == TELEM_OK; i++) look_at(&r, &piece);
        if (telem_file_reader_scan(&r, totals, 3) >= 0) {
            for (i = 0; i < 3 && (s = telem_file_reader_stream(&r, i)) != NULL; i++) {
                telem_file_item item;
                if (telem_file_seek_row(&r, s, how) == TELEM_OK) {
                    if (telem_file_next(&r, &item) != TELEM_OK || item.kind != TELEM_ITEM_ROW || item.row < how) die();
                    look_at(&r, &item);
                }
                if (telem_file_seek_time(&r, s, how * 1000) == TELEM_OK) {
                    if (telem_file_next(&r, &item) != TELEM_OK || item.kind != TELEM_ITEM_ROW || item.time < how * 1000) die();
                    (void)read_out(&r);
                }
            }
        }
    }
    free(d.memory);
}

/* --- behind the hashes --- */

static void put_header(uint8_t *h, uint8_t wire) {
    memset(h, 0, 104);
    memcpy(h, "\x89TLM\r\n\x1a\n", 8);
    h[8] = 1;
    h[10] = 104;
    h[12] = wire;
    h[13] = wire ? 0 : 3;
    h[14] = 1;
    h[15] = wire ? 1 : 2;
    h[16] = 7; /* session */
    telem_put32(h + 36, 4096);
    telem_put32(h + 40, 2048);
    telem_put32(h + 44, 4);
    telem_put32(h + 48, 500);
    telem_put32(h + 100, XXH32(h, 100, 0));
}

/* Where a header or a block seems to stand, its checks become right. */
static void mend(uint8_t *p, size_t n, kit_frame f) {
    size_t at = 0, s;
    while (at < n) {
        uint8_t *q = p + at;
        size_t left = n - at;
        s = f.wire ? 2 : 4;
        if (left >= 104 && memcmp(q, "\x89TLM\r\n\x1a\n", 8) == 0) {
            size_t size = telem_get16(q + 10);
            if (size >= 104 && size <= left) {
                telem_put32(q + size - 4, XXH32(q, size - 4, 0));
                if (q[12] < 2 && q[13] < 7 && q[15] < 3) f = kit_frame_of(q);
                at += size;
                continue;
            }
        } else if (left >= s + 2 && memcmp(q, "\xD7TLM", s) == 0) {
            size_t fields = q[s + 1], bare = s + 2 + fields + s, start = kit_align(&f, bare);
            uint64_t seq = 0, len = 0;
            int a, b;
            if (bare <= left) {
                uint32_t check = kit_header_check(&f, q, s + 2 + fields);
                if (f.wire) telem_put16(q + s + 2 + fields, (uint16_t)(check & 0xFFFFu));
                else telem_put32(q + s + 2 + fields, check);
                a = telem_varint_get(q + s + 2, fields, &seq);
                b = a > 0 ? telem_varint_get(q + s + 2 + a, fields - (size_t)a, &len) : 0;
                if (b > 0 && start <= left && len <= left - start && left - start - len >= 4)
                    telem_put32(q + start + len, kit_payload_check(&f, q + start, (size_t)len, check));
                at += bare;
                continue;
            }
        }
        at++;
    }
}

static void read_behind_header(const uint8_t *p, size_t n, uint8_t how, int mended) {
    uint8_t *copy = (uint8_t *)kit_alloc(n + 104);
    put_header(copy, how & 1);
    memcpy(copy + 104, p, n);
    if (mended) mend(copy, n + 104, kit_frame_of(copy));
    read_bytes(copy, n + 104, how >> 1);
    free(copy);
}

/* --- writer against reader --- */

TELEM_LABELS(labels, {0, "A"}, {1, "B"});
#define SUB_TABLE(F) F(FIELD, u8, x, "", "") F(OPT, i16, y, "", "")
TELEM_DEFINE(Sub, SUB_TABLE, "");
#define REC_TABLE(F) \
    F(COUNT, u16, n, "") F(FIELD, f32, a, "", "") F(FIELD, f64, b, "", "") F(ARRAY, i16, c, 10, "", "") F(ENUM, u8, e, labels, "") \
    F(STRING, s, 20, "") F(CHARS, t, 6, "") F(OPTSTRUCT, Sub, sub, "") F(FIELD, bool_, on, "", "") F(OPT, u64, o, "", "") \
    F(STRUCTS, Sub, subs, 2, "")
TELEM_DEFINE(Rec, REC_TABLE, "");
#define ONE_TABLE(F) F(FIELD, i32, v, "", "")
TELEM_DEFINE(One, ONE_TABLE, "");

typedef struct orders {
    const uint8_t *p, *end;
} orders;
static uint8_t order(orders *o) { return o->p < o->end ? *o->p++ : 0; }

/* Rows and settings from the orders; the rows are kept in f. */
static void write_orders(kit_file *f, orders *o) {
    kit_writer w;
    telem_file_writer_desc d;
    telem_io io;
    uint8_t row[256], settings = order(o);
    int64_t t = order(o);
    telem_columns it;
    telem_column c;
    Rec zero;
    memset(f, 0, sizeof *f);
    memset(&d, 0, sizeof d);
    d.coding = TELEM_FILE_ROWS;
    memset(&zero, 0, sizeof zero);
    (void)kit_add(f, 1, &Rec_schema, settings & 0x80 ? 1000 : 0);
    (void)kit_add(f, 2, &One_schema, 0);
    d.profile = settings & 1;
    d.lz4 = (settings >> 1) & 1;
    d.max_block = 4096;
    d.max_row = 512;
    d.max_streams = 4;
    d.sequence = f->s[0].start_row; /* who counts on says so */
    d.block_bytes = 1u + order(o);
    d.key_bytes = 4u * order(o);
    d.key_rows = order(o);
    d.index_blocks = 2u + (settings >> 2) % 4u;
    d.announce_ns = 50;
    d.key_ns = settings & 0x10 ? 100 : 0;
    d.max_age_ns = settings & 0x20 ? 30 : 0;
    io = kit_io(f);
    if (settings & 0x40) io.block_size = 64;
    if (kit_open(&w, f, &d, &io) != TELEM_OK || kit_add_streams(&w, f) != TELEM_OK) die();
    if (telem_schema_pack(&Rec_schema, &zero, row) != TELEM_OK) die();
    while (o->p < o->end) {
        uint8_t what = order(o), many = what >> 5;
        telem_result e;
        switch (what & 3) {
        case 0: t = (int64_t)((uint64_t)t + order(o)); break;
        case 1: t = (int64_t)((uint64_t)t - order(o)); break;
        case 2: t = (int64_t)((uint64_t)t * 0x9E3779B97F4A7C15u); break;
        default: break;
        }
        if (what & 4) { /* bytes of the row change */
            uint32_t at = order(o) % telem_schema_row_size(&Rec_schema), n = order(o) % 9u, i;
            for (i = at; i < at + n && i < telem_schema_row_size(&Rec_schema); i++) row[i] = order(o);
            if (telem_schema_unpack(&Rec_schema, row, &zero) != TELEM_OK) memset(&zero, 0, sizeof zero);
            if (telem_schema_pack(&Rec_schema, &zero, row) != TELEM_OK) die();
        }
        do {
            for (telem_columns_begin(&it, &Rec_schema); telem_columns_next(&it, &c);)
                if (!c.presence && (c.field->flags & TELEM_COUNTER)) kit_store(row + c.row, c.width, kit_load(row + c.row, c.width) + (what & 8 ? 2 : 1));
            e = telem_file_write_row(&w.w, 1, t, row);
            if (e != TELEM_OK) die();
            kit_note_row(&f->s[0], t, row);
            if (what & 16) {
                uint8_t one[4] = {0, 0, 0, 0};
                one[0] = (uint8_t)(row[1] & 0xF0);
                if (telem_file_write_row(&w.w, 2, t, one) != TELEM_OK) die();
                kit_note_row(&f->s[1], t, one);
            }
            if (many) t = (int64_t)((uint64_t)t + 7u);
        } while (many--);
        if (what == 3 && telem_file_writer_flush(&w.w) != TELEM_OK) die();
    }
    if (kit_close(&w) != TELEM_OK) die();
}

static void write_and_read(const uint8_t *p, size_t n, int damage) {
    orders o, hits;
    kit_file f;
    kit_reader r;
    size_t damaged = 0, cut = n;
    if (damage) {
        cut = n > 24 ? n - 24 : n / 2;
    }
    o.p = p;
    o.end = p + cut;
    hits.p = o.end;
    hits.end = p + n;
    write_orders(&f, &o);
    while (hits.end - hits.p >= 4) { /* where, what */
        size_t at = (size_t)telem_get16(hits.p) * 7u % f.size;
        uint8_t how = hits.p[2], v = hits.p[3];
        if (how < 200) {
            f.bytes[at] ^= v;
            damaged += v != 0;
        } else if (f.size - at > v) { /* bytes are gone */
            memmove(f.bytes + at, f.bytes + at + v, f.size - at - v);
            f.size -= v;
            damaged += v != 0;
        }
        hits.p += 4;
        if (f.size == 0) break;
    }
    if (kit_read_memory(&r, &f, f.bytes, f.size, 65536) == TELEM_OK) {
        r.untold = 1;
        if (kit_read_all(&r) != TELEM_END) die();
        if (!damaged) {
            kit_check_account(&f);
            if (kit_missing(&f)) kit_fail("rows are missing in an undamaged file");
            if (r.items[TELEM_ITEM_DAMAGE]) kit_fail("damage in an undamaged file at %lu: %s", (unsigned long)r.damage.offset, r.damage.what);
            if (!telem_file_reader_ended(&r.r)) kit_fail("no end in an undamaged file");
        }
    } else if (!damaged) {
        kit_fail("an undamaged file does not open");
    }
    if (check_g.bad) die();
    kit_reader_end(&r);
    kit_free_file(&f);
}

/* --- journal zones --- */

typedef struct flat { /* an io that can be mapped */
    uint64_t room[1 << 14];
    size_t size, pos;
} flat;
static flat disk;
static int64_t flat_read(void *user, void *to, size_t n) {
    flat *f = (flat *)user;
    size_t left = f->pos < f->size ? f->size - f->pos : 0;
    if (n > left) n = left;
    memcpy(to, (uint8_t *)f->room + f->pos, n);
    f->pos += n;
    return (int64_t)n;
}
static int64_t flat_write(void *user, const void *p, size_t n) {
    flat *f = (flat *)user;
    if (f->pos > sizeof f->room || n > sizeof f->room - f->pos) return TELEM_ERR_SPACE;
    memcpy((uint8_t *)f->room + f->pos, p, n);
    f->pos += n;
    if (f->pos > f->size) f->size = f->pos;
    return (int64_t)n;
}
static telem_result flat_seek(void *user, uint64_t pos) {
    ((flat *)user)->pos = (size_t)pos;
    return TELEM_OK;
}
static int64_t flat_size(void *user) { return (int64_t)((flat *)user)->size; }
static telem_result flat_truncate(void *user, uint64_t size) {
    flat *f = (flat *)user;
    if (size > sizeof f->room) return TELEM_ERR_SPACE;
    if (size > f->size) memset((uint8_t *)f->room + f->size, 0, (size_t)size - f->size);
    f->size = (size_t)size;
    return TELEM_OK;
}
static void *flat_map(void *user, uint64_t pos, size_t n, int writable) {
    flat *f = (flat *)user;
    (void)writable;
    return pos > f->size || n > f->size - pos ? NULL : (uint8_t *)f->room + pos;
}
static telem_result flat_unmap(void *user, void *p, size_t n) {
    (void)user, (void)p, (void)n;
    return TELEM_OK;
}
static telem_io flat_io(void) {
    telem_io io;
    memset(&io, 0, sizeof io);
    io.user = &disk;
    io.read = flat_read;
    io.write = flat_write;
    io.seek = flat_seek;
    io.size = flat_size;
    io.truncate = flat_truncate;
    io.map = flat_map;
    io.unmap = flat_unmap;
    disk.pos = 0;
    return io;
}

static uint64_t writer_room[200000 / 8];

static telem_result flat_open(telem_file_writer *w, telem_io *io, uint8_t settings) {
    static const telem_schema *const schemas[3] = {&One_schema, &Sub_schema, &Rec_schema};
    telem_file_writer_desc d;
    telem_file_stream_desc sd;
    telem_result e;
    uint32_t i;
    memset(&d, 0, sizeof d);
    d.io = io;
    d.memory = writer_room;
    d.memory_size = sizeof writer_room;
    d.session = 7;
    d.coding = settings & 1 ? TELEM_FILE_ROWS : TELEM_FILE_MINI;
    d.journal = d.append = 1;
    d.journal_slots = 2u + (settings >> 1) % 4u;
    d.journal_slot_bytes = 512u + 128u * (settings >> 3 & 3u);
    d.sync = settings & 0x20 ? TELEM_FILE_SYNC_BLOCK : TELEM_FILE_SYNC_NONE;
    d.max_block = 4096;
    d.max_row = 512;
    d.max_streams = 4;
    d.block_bytes = 200;
    d.block_rows = settings & 0x40 ? 5 : 20;
    d.key_rows = settings & 0x80 ? 1 : 40;
    d.index_blocks = 4;
    d.max_age_ns = UINT64_MAX;
    e = telem_file_writer_open(w, &d);
    for (i = 0; e == TELEM_OK && i < 3; i++) {
        memset(&sd, 0, sizeof sd);
        sd.id = 1u + i;
        sd.schema = schemas[i];
        e = telem_file_add_stream(w, &sd);
    }
    return e;
}

static telem_result flat_row(telem_file_writer *w, uint8_t what, int64_t t) {
    static uint8_t row[512];
    uint32_t stream = what % 8u == 7u ? 3 : what % 4u == 3u ? 2 : 1;
    if (stream == 1) row[0] = (uint8_t)(what >> 3);
    return telem_file_write_row(w, stream, t, row);
}

/* The zone's checks, and those of its rows as far as these can be walked over. */
static void mend_zone(uint8_t *p, size_t n) {
    kit_frame f = kit_frame_of(p);
    size_t at = telem_get16(p + 10), zone = (size_t)telem_get64(p + 88), i, slots, bytes;
    uint8_t id[8], *z = p + at;
    uint32_t seed;
    if (n < 4096 + 64 || at + zone > n) return;
    telem_put64(id, f.session);
    seed = XXH32(id, 8, 0);
    telem_put32(z + 20, XXH32(z, 20, seed));
    slots = telem_get16(z + 6);
    bytes = telem_get32(z + 16);
    for (i = 0; i < slots && slots <= 64 && bytes <= 4096 && 64 + (i + 1) * bytes <= zone; i++) {
        uint8_t *slot = z + 64 + i * bytes, *q = slot + 64, *end = slot + (bytes < 128 ? 64 : bytes);
        uint32_t key = seed ^ telem_get32(slot + 4) ^ telem_get32(slot + 8);
        while (end - q >= 32) {
            uint32_t rn = telem_get32(q + 20), body = rn == 0xFFFFFFFFu ? 4u : (rn + 3u) & ~3u;
            if (body > 1000u || (size_t)(end - q) < 28u + body) break;
            telem_put32(q + 24 + body, XXH32(q, 24u + body, key));
            q += (28u + body + 7u) & ~7u;
        }
    }
}

/* Rows must come in order, and once; how many of stream 1 and how many items that are no rows. */
static uint64_t read_flat(uint64_t *others) {
    telem_file_reader r;
    telem_file_reader_desc d = TELEM_ZERO;
    telem_io io = flat_io();
    telem_file_item item;
    uint64_t next[5] = {0, 0, 0, 0, 0}, rows = 0, n;
    int finished = 0;
    d.io = &io;
    d.memory_size = 3 * MEMORY;
    d.memory = kit_alloc(d.memory_size);
    *others = 0;
    if (telem_file_reader_open(&r, &d) == TELEM_OK) {
        for (n = 0; n < 100000; n++) {
            telem_result e = telem_file_next(&r, &item);
            if (e == TELEM_END && !finished++) {
                (void)telem_file_reader_finish(&r);
                continue;
            }
            if (e != TELEM_OK) break;
            look_at(&r, &item);
            if ((item.kind == TELEM_ITEM_ROW || (item.kind == TELEM_ITEM_MISSING && !item.at_least)) && item.stream->id < 5) {
                uint64_t *to = &next[item.stream->id];
                if (item.row < *to) die(); /* twice, or out of order */
                *to = item.row + (item.kind == TELEM_ITEM_ROW ? 1u : item.count);
                if (*to < item.row) die();
            }
            rows += item.kind == TELEM_ITEM_ROW;
            *others += item.kind == TELEM_ITEM_STREAM || item.kind == TELEM_ITEM_ANNOTATION;
        }
        if (n == 100000) die(); /* of a file this small it has no end */
    }
    free(d.memory);
    return rows;
}

static void forge_zone(const uint8_t *p, size_t n) {
    static telem_file_writer w;
    telem_io io;
    orders o;
    uint8_t settings, *b = (uint8_t *)disk.room;
    size_t i, rows, zone;
    uint64_t had, others, now, then;
    telem_result e;
    o.p = p;
    o.end = p + n;
    settings = order(&o);
    rows = order(&o);
    memset(&disk, 0, sizeof disk);
    io = flat_io();
    if (flat_open(&w, &io, settings) != TELEM_OK) die();
    for (i = 0; i < rows; i++)
        if (flat_row(&w, order(&o), (int64_t)i * 10) != TELEM_OK) die();
    zone = (size_t)telem_get64(b + 88);
    while (o.end - o.p >= 4) { /* what, where, value: a killed writer's zone and blocks */
        uint8_t what = order(&o);
        size_t at = order(&o) | (size_t)order(&o) << 8;
        uint8_t v = order(&o);
        if (what < 60) at = 4096 + at % 28;                                             /* its header */
        else if (what < 140) at = 4096 + 64 + at % 5 * (size_t)telem_get32(b + 4096 + 16) + (at >> 4) % 12; /* heads of slots */
        else if (what < 220) at = 4096 + 64 + at % (zone - 64);
        else at = 4096 + zone + (disk.size > 4096 + zone ? at % (disk.size - 4096 - zone) : 0);
        if (at < disk.size) b[at] = what & 1 ? v : (uint8_t)(b[at] ^ v);
    }
    if (settings & 0x10) mend(b + 4096 + zone, disk.size - 4096 - zone, kit_frame_of(b));
    mend_zone(b, disk.size);
    had = read_flat(&others);
    if (settings & 0x10) had = others = 0; /* payloads that hold and do not decode are taken as good by append */
    io = flat_io();
    e = flat_open(&w, &io, settings);
    if (e == TELEM_OK) {
        now = read_flat(&then);
        if (then < others) die();
        if (now < had) die(); /* append takes nothing away */
        io.seek(io.user, (size_t)w.pos);
        for (i = 0; i < 30; i++)
            if (flat_row(&w, (uint8_t)(i * 37u), 100000 + (int64_t)i) != TELEM_OK) break;
        if (i == 30 && telem_file_writer_close(&w) == TELEM_OK && read_flat(&then) < had) die();
    } else if (read_flat(&then) < had) {
        die();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *exact;
    if (size < 2 || size > 20000) return 0;
    if (data[0] == 255) {
        if (size < 2000) forge_zone(data + 1, size - 1);
        return 0;
    }
    if (data[0] % 5 >= 3 && size > 500) return 0; /* orders become many rows */
    exact = (uint8_t *)kit_alloc(size - 2); /* one byte too far is seen */
    memcpy(exact, data + 2, size - 2);
    switch (data[0] % 5) {
    case 0: read_bytes(exact, size - 2, data[1]); break;
    case 1: read_behind_header(exact, size - 2, data[1], 0); break;
    case 2: read_behind_header(exact, size - 2, data[1], 1); break;
    case 3: write_and_read(data + 1, size - 1, 0); break;
    default: write_and_read(data + 1, size - 1, 1); break;
    }
    free(exact);
    return 0;
}
