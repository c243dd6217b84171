/* test_file_random.c - telem_file.h with random schemas, rows, times and writer settings: what was
   written is read back bit by bit, in pieces of any size, and found again by seeking.  UNIT: linked */
#define _GNU_SOURCE
#include "file_kit.h"
#if defined(__unix__)
#include <fcntl.h>
#include <unistd.h>
#endif

/* What telem_file_reader_bytes says of the writer and streams of a random file: just so much must do. */
static size_t memory_for(const kit_random_file *k) {
    telem_file_stream_desc d[KIT_STREAMS];
    uint32_t i;
    memset(d, 0, sizeof d);
    for (i = 0; i < k->file.count; i++) d[i].schema = k->schemas[i].schema;
    return telem_file_reader_bytes(&k->desc, d, k->file.count);
}

static void check_whole(kit_reader *r, kit_random_file *k) {
    int kind;
    CHECK_EQ_INT(kit_read_all(r), TELEM_END);
    kit_check_account(&k->file);
    if (kit_missing(&k->file)) kit_fail("%lu rows are missing", (unsigned long)kit_missing(&k->file));
    if (r->items[TELEM_ITEM_DAMAGE]) kit_fail("damage at %lu: %s", (unsigned long)r->damage.offset, r->damage.what);
    CHECK(telem_file_reader_ended(&r->r));
    CHECK_EQ_INT(r->items[TELEM_ITEM_STREAM], k->file.count);
    CHECK_EQ_INT(r->items[TELEM_ITEM_END], 1);
    for (kind = TELEM_ITEM_LOSS; kind <= TELEM_ITEM_ANNOTATION; kind++) CHECK_EQ_INT(r->items[kind], k->others[kind]);
}

TEST(random_files_come_back_bit_by_bit) {
    uint64_t rng = kit_seed(1), before;
    int i, n = check_quick() ? 30 : 700;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        kit_random_file k;
        kit_reader r;
        before = rng;
        kit_at("file %d, state %llu", i, (unsigned long long)before);
        kit_make(&k, &rng, 1u + kit_below(&rng, KIT_STREAMS), kit_below(&rng, 600), NULL);
        if (i % 2) {
            CHECK_OK(kit_read_memory(&r, &k.file, k.file.bytes, k.file.size, memory_for(&k)));
        } else {
            telem_result e;
            kit_reader_init(&r, &k.file, memory_for(&k));
            r.io = kit_pipe_io(&r.pipe, k.file.bytes, k.file.size, 1u + kit_below(&rng, 300), 2u + kit_below(&rng, 5));
            r.pipe.rng = rng;
            e = telem_file_reader_open(&r.r, &r.d);
            CHECK(e == TELEM_OK || e == TELEM_AGAIN); /* then telem_file_next goes on */
        }
        check_whole(&r, &k);
        kit_reader_end(&r);
        kit_free_random(&k);
    }
}

/* The same rows and settings give the same bytes. */
TEST(equal_rows_give_equal_bytes) {
    int i;
    for (i = 0; i < 20; i++) {
        uint64_t a = 1000u + (uint64_t)i, b = a;
        kit_random_file x, y;
        kit_at("pair %d", i);
        kit_make(&x, &a, 2, 300, NULL);
        kit_make(&y, &b, 2, 300, NULL);
        CHECK_EQ_INT(x.file.size, y.file.size);
        if (x.file.size == y.file.size) CHECK_MEM(x.file.bytes, y.file.bytes, x.file.size);
        kit_free_random(&x);
        kit_free_random(&y);
    }
}

#if defined(__unix__) && TELEM_HAS_SYSTEM
/* A pipe with a few bytes in it at a time. */
static int pipe_ends[2];
static kit_file *pipe_file;
static size_t pipe_fed;
static telem_io pipe_fd;
static int64_t fed_read(void *user, void *buf, size_t n) {
    int64_t got = pipe_fd.read(pipe_fd.user, buf, n);
    (void)user;
    if (got == TELEM_AGAIN && pipe_fed < pipe_file->size) {
        size_t part = pipe_file->size - pipe_fed;
        if (part > 999) part = 999;
        if (write(pipe_ends[1], pipe_file->bytes + pipe_fed, part) == (ssize_t)part) pipe_fed += part;
        if (pipe_fed == pipe_file->size) close(pipe_ends[1]);
        return pipe_fd.read(pipe_fd.user, buf, n);
    }
    return got;
}

TEST(a_real_pipe_is_read) {
    uint64_t rng = kit_seed(3);
    kit_random_file k;
    kit_reader r;
    kit_at("pipe");
    kit_make(&k, &rng, 3, 2000, NULL);
    REQUIRE(pipe(pipe_ends) == 0);
    REQUIRE(fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK) == 0);
    pipe_fd = telem_io_fd(pipe_ends[0]);
    pipe_file = &k.file;
    pipe_fed = 0;
    kit_reader_init(&r, &k.file, memory_for(&k));
    r.io.read = fed_read;
    CHECK_OK(telem_file_reader_open(&r.r, &r.d));
    CHECK_EQ_INT(telem_file_seek_row(&r.r, telem_file_reader_stream(&r.r, 0) ? telem_file_reader_stream(&r.r, 0) : (telem_file_stream *)(void *)&r, 0), TELEM_ERR_UNSUPPORTED);
    CHECK_EQ_INT(telem_file_reader_scan(&r.r, NULL, 0), TELEM_ERR_UNSUPPORTED);
    check_whole(&r, &k);
    close(pipe_ends[0]);
    kit_reader_end(&r);
    kit_free_random(&k);
}

TEST(a_file_through_a_descriptor) {
    uint64_t rng = kit_seed(4);
    kit_random_file k;
    kit_reader r;
    FILE *file = tmpfile();
    int fd;
    REQUIRE(file != NULL);
    fd = fileno(file);
    kit_at("descriptor");
    kit_make(&k, &rng, 3, 2000, NULL);
    CHECK(write(fd, k.file.bytes, k.file.size) == (ssize_t)k.file.size);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    kit_reader_init(&r, &k.file, memory_for(&k));
    r.io = telem_io_fd(fd);
    CHECK_OK(telem_file_reader_open(&r.r, &r.d));
    check_whole(&r, &k);
    kit_reader_end(&r);
    kit_free_random(&k);
    fclose(file);
}
#endif

/* ------------------------------------------------------------------------------- seeking ---- */

/* Behind a seek: the rows that come are right and go up, without damage, for `n` items. */
static void check_after_seek(kit_reader *r, kit_file *f, uint32_t n) {
    telem_file_item item;
    uint64_t next[KIT_STREAMS];
    memset(next, 0, sizeof next);
    while (n--) {
        telem_result e = telem_file_next(&r->r, &item);
        kit_stream *s;
        uint64_t i;
        if (e == TELEM_END) return;
        CHECK_EQ_INT(e, TELEM_OK);
        if (item.kind == TELEM_ITEM_DAMAGE) kit_fail("damage behind a seek: %s", item.error.what);
        if (item.kind == TELEM_ITEM_MISSING) kit_fail("missing rows behind a seek: %s", item.error.what);
        if (item.kind != TELEM_ITEM_ROW) continue;
        s = kit_stream_of(r, item.stream);
        if (!s) return;
        i = item.row - s->start_row;
        if (i >= s->n || memcmp(item.data, kit_row(s, (size_t)i), s->row_size) || item.time != s->times[i]) {
            kit_fail("wrong row %lu behind a seek", (unsigned long)item.row);
            return;
        }
        if (next[s - f->s] && item.row != next[s - f->s]) kit_fail("row %lu, not %lu, comes next", (unsigned long)item.row, (unsigned long)next[s - f->s]);
        next[s - f->s] = item.row + 1u;
    }
}

static telem_file_stream *stream_by_id(telem_file_reader *r, uint32_t id) {
    uint32_t i;
    telem_file_stream *s;
    for (i = 0; (s = telem_file_reader_stream(r, i)) != NULL; i++)
        if (s->id == id) return s;
    return NULL;
}

static void check_found(kit_reader *r, kit_file *f, const kit_stream *s, size_t want, telem_result e, const char *how) {
    telem_file_item item;
    if (want >= s->n) {
        if (e != TELEM_ERR_NOT_FOUND) kit_fail("%s: %d, not NOT_FOUND", how, (int)e);
        return;
    }
    if (e != TELEM_OK) {
        kit_fail("%s of row %lu: %s", how, (unsigned long)want, telem_result_text(e));
        return;
    }
    e = telem_file_next(&r->r, &item);
    if (e != TELEM_OK || item.kind != TELEM_ITEM_ROW || item.stream->id != s->id || item.row != s->start_row + want) {
        kit_fail("%s of row %lu of stream %u yields kind %d, row %lu", how, (unsigned long)want, (unsigned)s->id, (int)item.kind, (unsigned long)item.row);
        return;
    }
    if (memcmp(item.data, kit_row(s, want), s->row_size) || item.time != s->times[want]) kit_fail("%s: wrong row", how);
    check_after_seek(r, f, 30);
}

static int times_rise(const kit_stream *s) {
    size_t i;
    for (i = 1; i < s->n; i++)
        if (s->times[i] < s->times[i - 1]) return 0;
    return 1;
}

static size_t first_at(const kit_stream *s, int64_t time) {
    size_t i = 0;
    while (i < s->n && s->times[i] < time) i++;
    return i;
}

/* Every row when there are few, else some; ends included. */
static void check_seeks(kit_reader *r, kit_file *f, uint64_t *rng, uint32_t most) {
    uint32_t k, i;
    for (k = 0; k < f->count && check_g.bad == 0; k++) {
        kit_stream *s = &f->s[k];
        telem_file_stream *stream = stream_by_id(&r->r, s->id);
        uint32_t n = s->n + 1u < most ? (uint32_t)s->n + 1u : most;
        int rise = times_rise(s);
        if (!stream) {
            kit_fail("stream %u is not known after a scan", (unsigned)s->id);
            return;
        }
        for (i = 0; i < n && check_g.bad == 0; i++) {
            size_t want = n == most ? kit_below(rng, (uint32_t)s->n + 1u) : i;
            int64_t time;
            check_found(r, f, s, want, telem_file_seek_row(&r->r, stream, s->start_row + want), "seek_row");
            if (want >= s->n || !rise) continue;
            time = s->times[want];
            check_found(r, f, s, first_at(s, time), telem_file_seek_time(&r->r, stream, time), "seek_time");
            if (time == INT64_MAX) continue;
            check_found(r, f, s, first_at(s, time + 1), telem_file_seek_time(&r->r, stream, time + 1), "seek_time behind a row");
        }
        if (s->n == 0) continue;
        check_found(r, f, s, 0, telem_file_seek_row(&r->r, stream, 0), "seek_row before the first");
        CHECK_EQ_INT(telem_file_seek_row(&r->r, stream, UINT64_MAX), TELEM_ERR_NOT_FOUND);
        if (rise) check_found(r, f, s, 0, telem_file_seek_time(&r->r, stream, INT64_MIN), "seek_time before the first");
    }
}

static void check_totals(kit_reader *r, const kit_file *f) {
    telem_file_totals t[KIT_STREAMS];
    uint32_t k, i;
    CHECK_EQ_INT(telem_file_reader_scan(&r->r, t, KIT_STREAMS), f->count);
    for (k = 0; k < f->count; k++) {
        const kit_stream *s = &f->s[k];
        int64_t first = 1, last = 0;
        for (i = 0; i < s->n; i++) {
            if (i == 0 || s->times[i] < first) first = s->times[i];
            if (i == 0 || s->times[i] > last) last = s->times[i];
        }
        for (i = 0; i < f->count; i++)
            if (telem_file_reader_stream(&r->r, i)->id == s->id) break;
        CHECK_EQ_INT(t[i].rows, s->n);
        if (r->r.session.profile == TELEM_FILE_DISK) {
            CHECK_EQ_INT(t[i].first, first);
            CHECK_EQ_INT(t[i].last, last);
        }
    }
}

TEST(every_row_is_found_by_number_and_time) {
    uint64_t rng = kit_seed(5);
    int i, n = check_quick() ? 4 : 60;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        kit_random_file k;
        kit_reader r;
        kit_at("file %d, state %llu", i, (unsigned long long)rng);
        kit_make(&k, &rng, 1u + kit_below(&rng, 4), kit_below(&rng, 800), NULL);
        CHECK_OK(kit_read_memory(&r, &k.file, k.file.bytes, k.file.size, memory_for(&k)));
        check_totals(&r, &k.file);
        r.now = &k.file;
        check_seeks(&r, &k.file, &rng, 40);
        kit_reader_end(&r);
        kit_free_random(&k);
    }
}

/* Index levels 1 to 3, and streams that are silent for long. */
static void make_deep(kit_random_file *k, uint64_t *rng, uint8_t no_index, uint32_t rows) {
    telem_file_writer_desc d;
    memset(&d, 0, sizeof d);
    d.coding = KIT_CODING;
    d.max_block = 1u << 17;
    d.block_rows = 2;
    d.index_blocks = 2;
    d.key_rows = 1;
    d.key_bytes = 60;
    d.no_index = no_index;
    d.max_age_ns = INT64_MAX;
    kit_make(k, rng, 5, rows, &d);
}

static uint32_t index_levels(const kit_file *f) {
    kit_frame frame = kit_frame_of(f->bytes);
    kit_block b;
    size_t at = 104;
    uint64_t level = 0;
    uint32_t levels = 0;
    while ((at = kit_pass_header(f->bytes, f->size, at)) < f->size && kit_get_block(&frame, f->bytes, f->size, at, &b)) {
        if ((b.kind & 0x1F) == TELEM_BLOCK_INDEX && telem_varint_get(f->bytes + at + b.fields, 10, &level) > 0) levels |= 1u << level;
        at += b.size;
    }
    return levels;
}

TEST(index_levels_lead_to_every_row) {
    uint64_t rng = kit_seed(6);
    kit_random_file k;
    kit_reader r;
    kit_at("deep index");
    make_deep(&k, &rng, 0, check_quick() ? 2000 : 20000);
    if (!check_quick()) CHECK_EQ_INT(index_levels(&k.file), 0x0E);
    CHECK_OK(kit_read_memory(&r, &k.file, k.file.bytes, k.file.size, memory_for(&k)));
    r.now = &k.file;
    check_totals(&r, &k.file);
    check_seeks(&r, &k.file, &rng, 60);
    kit_reader_end(&r);
    kit_free_random(&k);
}

TEST(seeking_needs_no_index) {
    uint64_t rng = kit_seed(7);
    kit_random_file k;
    kit_reader r;
    kit_at("no index");
    make_deep(&k, &rng, 1, 1500);
    CHECK_OK(kit_read_memory(&r, &k.file, k.file.bytes, k.file.size, memory_for(&k)));
    r.now = &k.file;
    check_totals(&r, &k.file);
    check_seeks(&r, &k.file, &rng, 30);
    kit_reader_end(&r);
    kit_free_random(&k);
}

TEST(a_destroyed_index_is_done_without) {
    uint64_t rng = kit_seed(8);
    int i;
    for (i = 0; i < 6 && check_g.bad == 0; i++) {
        kit_random_file k;
        kit_reader r;
        kit_frame frame;
        kit_block b;
        size_t at = 104;
        uint32_t n = 0;
        kit_at("index destroyed %d", i);
        make_deep(&k, &rng, 0, 900);
        frame = kit_frame_of(k.file.bytes);
        while ((at = kit_pass_header(k.file.bytes, k.file.size, at)) < k.file.size && kit_get_block(&frame, k.file.bytes, k.file.size, at, &b)) {
            if ((b.kind & 0x1F) == TELEM_BLOCK_INDEX && (i == 0 || n++ % (uint32_t)(i + 1) == 0)) k.file.bytes[at + b.payload] ^= 0x10;
            at += b.size;
        }
        CHECK_OK(kit_read_memory(&r, &k.file, k.file.bytes, k.file.size, memory_for(&k)));
        r.now = &k.file;
        CHECK_EQ_INT(telem_file_reader_scan(&r.r, NULL, 0), k.file.count);
        {
            uint32_t j, s;
            for (s = 0; s < k.file.count; s++) {
                telem_file_stream *stream = stream_by_id(&r.r, k.file.s[s].id);
                for (j = 0; j < 20 && stream && k.file.s[s].n; j++) {
                    telem_file_item item;
                    uint64_t want = k.file.s[s].start_row + kit_below(&rng, (uint32_t)k.file.s[s].n);
                    CHECK_OK(telem_file_seek_row(&r.r, stream, want));
                    CHECK_OK(telem_file_next(&r.r, &item));
                    CHECK_EQ_INT(item.row, want);
                    CHECK_MEM(item.data, kit_row(&k.file.s[s], (size_t)(want - k.file.s[s].start_row)), k.file.s[s].row_size);
                }
            }
        }
        kit_reader_end(&r);
        kit_free_random(&k);
    }
}

TEST(seeking_in_a_cut_file) {
    uint64_t rng = kit_seed(9);
    kit_random_file k;
    uint32_t i;
    make_deep(&k, &rng, 0, 900);
    for (i = 0; i < 40 && check_g.bad == 0; i++) {
        kit_reader r;
        telem_file_item item;
        telem_result e;
        size_t cut = 2000 + kit_below(&rng, (uint32_t)k.file.size - 2000);
        uint64_t there;
        kit_stream *s = &k.file.s[0];
        telem_file_stream *stream;
        kit_at("cut at %lu", (unsigned long)cut);
        CHECK_OK(kit_read_memory(&r, &k.file, k.file.bytes, cut, memory_for(&k)));
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        there = s->delivered;
        kit_reader_end(&r);
        CHECK_OK(kit_read_memory(&r, &k.file, k.file.bytes, cut, memory_for(&k)));
        r.now = &k.file;
        CHECK_OK(telem_file_reader_scan(&r.r, NULL, 0));
        stream = stream_by_id(&r.r, s->id);
        if (stream) {
            uint64_t want = kit_below(&rng, (uint32_t)s->n);
            e = telem_file_seek_row(&r.r, stream, s->start_row + want);
            CHECK_EQ_INT(e, want < there ? TELEM_OK : TELEM_ERR_NOT_FOUND);
            if (e == TELEM_OK) {
                CHECK_OK(telem_file_next(&r.r, &item));
                CHECK_EQ_INT(item.row, s->start_row + want);
                CHECK_MEM(item.data, kit_row(s, (size_t)want), s->row_size);
            }
        }
        kit_reader_end(&r);
    }
    kit_free_random(&k);
}

/* Behind a seek the counts begin anew and a reading to the end is whole again. */
TEST(a_seek_starts_the_counts_anew) {
    uint64_t rng = kit_seed(10);
    kit_random_file k;
    kit_reader r;
    telem_file_item item;
    kit_stream *s;
    uint64_t rows = 0, row;
    kit_at("counts");
    make_deep(&k, &rng, 0, 500);
    s = &k.file.s[0];
    CHECK_OK(kit_read_memory(&r, &k.file, k.file.bytes, k.file.size, memory_for(&k)));
    CHECK_OK(telem_file_reader_scan(&r.r, NULL, 0));
    for (row = 0; row < s->n; row += 37) {
        telem_file_stream *stream = stream_by_id(&r.r, s->id);
        CHECK_OK(telem_file_seek_row(&r.r, stream, s->start_row + row));
        rows = 0;
        while (telem_file_next(&r.r, &item) == TELEM_OK) rows += item.kind == TELEM_ITEM_ROW && item.stream == stream;
        CHECK_EQ_INT(rows, s->n - row);
        CHECK_EQ_INT(stream->rows, rows);
        CHECK_EQ_INT(stream->lost, 0);
    }
    /* back to the start: everything once more, but the streams are known */
    CHECK_OK(telem_file_reader_scan(&r.r, NULL, 0));
    CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
    kit_check_account(&k.file);
    CHECK_EQ_INT(kit_missing(&k.file), 0);
    CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], 0);
    kit_reader_end(&r);
    kit_free_random(&k);
}

int main(void) {
    RUN(random_files_come_back_bit_by_bit);
    RUN(equal_rows_give_equal_bytes);
#if defined(__unix__) && TELEM_HAS_SYSTEM
    RUN(a_real_pipe_is_read);
    RUN(a_file_through_a_descriptor);
#endif
    RUN(every_row_is_found_by_number_and_time);
    RUN(index_levels_lead_to_every_row);
    RUN(seeking_needs_no_index);
    RUN(a_destroyed_index_is_done_without);
    RUN(seeking_in_a_cut_file);
    RUN(a_seek_starts_the_counts_anew);
    return CHECK_MAIN_END();
}
