/* test_journal.c - journal mode of telem_file.h: rows are in the file when the write returns, the zone's bytes,
   a follower, sync policies, one writer. Killed processes: scenario_journal.c.  UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#include "file_kit.h"

/* ---- a file in memory that several readers and one writer share ---- */

typedef struct shared_file {
    uint8_t *bytes; /* 8-aligned, stays where it is: it can be mapped */
    size_t size, cap;
    uint8_t *medium; /* what a power cut leaves for certain; NULL: not asked for */
    size_t medium_size;
    uint32_t syncs, map_syncs, locked;
    telem_result sync_fails;
} shared_file;

typedef struct handle {
    shared_file *f;
    size_t pos;
} handle;

static int64_t shared_read(void *user, void *to, size_t n) {
    handle *h = (handle *)user;
    size_t left = h->pos < h->f->size ? h->f->size - h->pos : 0;
    if (n > left) n = left;
    if (n) memcpy(to, h->f->bytes + h->pos, n);
    h->pos += n;
    return (int64_t)n;
}
static int64_t shared_write(void *user, const void *p, size_t n) {
    handle *h = (handle *)user;
    if (h->pos + n > h->f->cap) return TELEM_ERR_SPACE;
    memcpy(h->f->bytes + h->pos, p, n);
    h->pos += n;
    if (h->pos > h->f->size) h->f->size = h->pos;
    return (int64_t)n;
}
static telem_result shared_seek(void *user, uint64_t pos) {
    ((handle *)user)->pos = (size_t)pos;
    return TELEM_OK;
}
static telem_result shared_sync(void *user) {
    shared_file *f = ((handle *)user)->f;
    size_t zone = f->size > 4096 && f->bytes[24] ? 4096u + (size_t)telem_get64(f->bytes + 88) : 0;
    f->syncs++;
    if (f->medium && f->size > zone) memcpy(f->medium + zone, f->bytes + zone, f->size - zone); /* what was mapped is not in it */
    if (f->medium && f->size < f->medium_size) memset(f->medium + f->size, 0, f->medium_size - f->size);
    if (f->medium) f->medium_size = f->size;
    return f->sync_fails;
}
static telem_result shared_sync_map(void *user, void *p, size_t n) {
    shared_file *f = ((handle *)user)->f;
    size_t from = (size_t)((uint8_t *)p - f->bytes) / 512 * 512, to = ((size_t)((uint8_t *)p - f->bytes) + n + 511) / 512 * 512;
    f->map_syncs++;
    if (f->medium) memcpy(f->medium + from, f->bytes + from, to - from);
    return f->sync_fails;
}
static int64_t shared_size(void *user) { return (int64_t)((handle *)user)->f->size; }
static telem_result shared_truncate(void *user, uint64_t size) {
    shared_file *f = ((handle *)user)->f;
    if (size > f->cap) return TELEM_ERR_SPACE;
    if (size > f->size) memset(f->bytes + f->size, 0, (size_t)size - f->size);
    else memset(f->bytes + size, 0, f->size - (size_t)size);
    f->size = (size_t)size;
    return TELEM_OK;
}
static telem_result shared_allocate(void *user, uint64_t pos, uint64_t n) {
    return pos + n > ((handle *)user)->f->size ? shared_truncate(user, pos + n) : TELEM_OK;
}
static void *shared_map(void *user, uint64_t pos, size_t n, int writable) {
    shared_file *f = ((handle *)user)->f;
    (void)writable;
    return pos + n > f->size ? NULL : f->bytes + pos;
}
static telem_result shared_unmap(void *user, void *p, size_t n) {
    (void)user, (void)p, (void)n;
    return TELEM_OK;
}
static telem_result shared_lock(void *user, int on) {
    shared_file *f = ((handle *)user)->f;
    if (on && f->locked) return TELEM_ERR_BUSY;
    f->locked = (uint32_t)on;
    return TELEM_OK;
}
static telem_io shared_io(handle *h, shared_file *f) {
    telem_io io;
    memset(&io, 0, sizeof io);
    h->f = f;
    h->pos = 0;
    io.user = h;
    io.read = shared_read;
    io.write = shared_write;
    io.seek = shared_seek;
    io.sync = shared_sync;
    io.sync_map = shared_sync_map;
    io.size = shared_size;
    io.truncate = shared_truncate;
    io.allocate = shared_allocate;
    io.map = shared_map;
    io.unmap = shared_unmap;
    io.lock = shared_lock;
    return io;
}
static void shared_init(shared_file *f, size_t cap) {
    memset(f, 0, sizeof *f);
    f->bytes = (uint8_t *)kit_alloc(cap);
    memset(f->bytes, 0xEE, cap);
    f->cap = cap;
}

/* ---- a writer at work, row by row ---- */

typedef struct work {
    kit_file file;
    kit_schema schemas[KIT_STREAMS];
    kit_writer kw;
    telem_file_writer_desc d;
    telem_io io;
    handle h;
    uint8_t *row[KIT_STREAMS];
    int64_t t[KIT_STREAMS];
    kit_pace pace;
    uint32_t streams, calm;
    uint64_t *rng;
} work;

static void random_desc(telem_file_writer_desc *d, uint64_t *rng) {
    memset(d, 0, sizeof *d);
    d->coding = (uint8_t)(1u + kit_below(rng, 3));
    d->lz4 = (uint8_t)kit_below(rng, 2);
    d->block_bytes = kit_one_in(rng, 3) ? 0 : 200u + kit_below(rng, 4000);
    d->key_bytes = kit_one_in(rng, 3) ? 0 : 1u + kit_below(rng, 5000);
    d->max_age_ns = kit_one_in(rng, 4) ? 10000000u : 0;
    d->index_blocks = kit_one_in(rng, 3) ? 0 : 2u + kit_below(rng, 7);
    d->max_block = 1u << 17;
    d->max_row = 1u << 14;
    d->max_streams = 8;
    d->journal = 1;
    d->journal_slots = 2u + kit_below(rng, 5);
    d->journal_slot_bytes = 16384u + 64u * kit_below(rng, 200);
    d->sync = (uint8_t)kit_below(rng, 4);
}

static int appending; /* files that are gone on with; 1: by writers that sync */

static telem_result work_begin(work *k, uint64_t *rng, shared_file *f, uint32_t streams) {
    uint32_t i;
    telem_result r;
    memset(k, 0, sizeof *k);
    k->rng = rng;
    k->streams = streams;
    k->calm = 1u + kit_below(rng, 40);
    k->pace = (kit_pace)kit_below(rng, KIT_PACES);
    random_desc(&k->d, rng);
    k->d.append = appending != 0;
    if (appending == 1 && k->d.sync == TELEM_FILE_SYNC_NONE) k->d.sync = TELEM_FILE_SYNC_INTERVAL; /* the promise is for writers that sync */
    for (i = 0; i < streams; i++) {
        kit_random_schema(&k->schemas[i], rng);
        (void)kit_add(&k->file, i + 1u, k->schemas[i].schema, 0);
        k->row[i] = (uint8_t *)kit_alloc(k->file.s[i].row_size);
        memset(k->row[i], 0, k->file.s[i].row_size);
        k->t[i] = (int64_t)kit_below(rng, 1000000);
    }
    k->io = shared_io(&k->h, f);
    r = kit_open(&k->kw, &k->file, &k->d, &k->io);
    return r == TELEM_OK ? kit_add_streams(&k->kw, &k->file) : r;
}

static telem_result work_row(work *k) {
    uint32_t i = kit_below(k->rng, k->streams);
    kit_stream *s;
    if (i >= (k->streams + 1u) / 2u && !kit_one_in(k->rng, 20)) i = 0; /* half of the streams are slow */
    s = &k->file.s[i];
    k->t[i] = kit_step_time(k->pace, k->t[i], k->rng);
    if (!kit_one_in(k->rng, 3)) kit_step_row(s->schema, k->row[i], k->rng, k->calm);
    kit_note_row(s, k->t[i], k->row[i]);
    return telem_file_write_row(&k->kw.w, s->id, k->t[i], k->row[i]);
}

static void work_free(work *k) {
    uint32_t i;
    for (i = 0; i < k->streams; i++) {
        free(k->row[i]);
        kit_free_schema(&k->schemas[i]);
    }
    kit_free_file(&k->file);
}

#define READER (1u << 20)

/* All of it. What a killed writer has begun to write of a block may be at the end: told as damage, its rows are in the
   journal. There is no other damage. */
static void read_killed(kit_reader *k, uint64_t size) {
    telem_file_item item;
    telem_result e;
    while ((e = telem_file_next(&k->r, &item)) == TELEM_OK) {
        CHECK(item.kind != TELEM_ITEM_DAMAGE);
        kit_take(k, &item);
    }
    CHECK_EQ_INT(e, TELEM_END);
    (void)telem_file_reader_finish(&k->r);
    while ((e = telem_file_next(&k->r, &item)) == TELEM_OK) {
        CHECK(item.kind != TELEM_ITEM_DAMAGE || (item.offset + item.bytes == size && item.count == 0));
        kit_take(k, &item);
    }
    CHECK_EQ_INT(e, TELEM_END);
    CHECK(k->items[TELEM_ITEM_DAMAGE] <= 1);
}

/* A copy of the file, as somebody finds it whose writer was killed right now. */
static void check_killed(work *k, const shared_file *f, const char *when) {
    kit_reader r;
    uint8_t *copy = (uint8_t *)kit_alloc(f->size);
    memcpy(copy, f->bytes, f->size);
    kit_at("%s, seed %lu", when, (unsigned long)check_seed());
    if (kit_read_memory(&r, &k->file, copy, f->size, READER) == TELEM_OK) {
        read_killed(&r, f->size);
        CHECK_EQ_INT(kit_delivered(&k->file), kit_written(&k->file));
        CHECK_EQ_INT(kit_missing(&k->file), 0);
        CHECK(r.items[TELEM_ITEM_DAMAGE] == 0 || r.items[TELEM_ITEM_END] == 0);
    } else {
        kit_fail("does not open");
    }
    kit_reader_end(&r);
    free(copy);
}

TEST(row_is_in_the_file_when_write_returns) {
    uint64_t rng = kit_seed(71);
    int rounds = check_quick() ? 12 : 100;
    while (rounds-- > 0) {
        shared_file f;
        work k;
        uint32_t i, n = 100u + kit_below(&rng, 1500);
        shared_init(&f, 8u << 20);
        REQUIRE_OK(work_begin(&k, &rng, &f, 1u + kit_below(&rng, 4)));
        CHECK(telem_file_journals(&k.kw.w));
        for (i = 0; i < n; i++) {
            CHECK_OK(work_row(&k));
            if (kit_one_in(&rng, 97)) check_killed(&k, &f, "killed");
            if (kit_one_in(&rng, 300)) CHECK_OK(telem_file_writer_flush(&k.kw.w));
        }
        check_killed(&k, &f, "killed at the end");
        CHECK_OK(kit_close(&k.kw));
        check_killed(&k, &f, "closed");
        work_free(&k);
        free(f.bytes);
    }
}

TEST(follower_sees_every_row_once) {
    uint64_t rng = kit_seed(72);
    int rounds = check_quick() ? 12 : 100;
    while (rounds-- > 0) {
        shared_file f;
        work k;
        handle h;
        kit_reader r;
        telem_file_item item;
        uint64_t out_of_zone = 0;
        uint32_t i, n = 100u + kit_below(&rng, 3000), lazy = 1u + kit_below(&rng, kit_one_in(&rng, 2) ? 5 : 900);
        int ready;
        shared_init(&f, 16u << 20);
        REQUIRE_OK(work_begin(&k, &rng, &f, 1u + kit_below(&rng, 4)));
        kit_at("follower, seed %lu", (unsigned long)check_seed());
        kit_reader_init(&r, &k.file, READER);
        r.io = shared_io(&h, &f);
        REQUIRE_OK(telem_file_reader_open(&r.r, &r.d));
        CHECK_EQ_INT(telem_file_reader_journal(&r.r), 2);
        if (kit_one_in(&rng, 2)) CHECK_OK(telem_file_reader_map_zone(&r.r));
        for (i = 0; i < n; i++) {
            CHECK_OK(work_row(&k));
            if (!kit_one_in(&rng, lazy)) continue;
            while (telem_file_next(&r.r, &item) == TELEM_OK) {
                kit_take(&r, &item);
                out_of_zone += item.journal;
            }
            CHECK_EQ_INT(kit_delivered(&k.file), kit_written(&k.file)); /* nothing is behind */
            ready = telem_file_reader_ready(&r.r);
            CHECK(ready == 0 || ready == -1);
        }
        CHECK(out_of_zone > 0 || lazy > 5);
        CHECK_OK(kit_close(&k.kw));
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        CHECK_EQ_INT(telem_file_reader_journal(&r.r), 1);
        CHECK_EQ_INT(kit_delivered(&k.file), kit_written(&k.file));
        CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], 0);
        CHECK_EQ_INT(r.items[TELEM_ITEM_END], 1);
        telem_file_reader_unmap_zone(&r.r);
        kit_reader_end(&r);
        work_free(&k);
        free(f.bytes);
    }
}

/* Any byte of the zone may be anything: rows are right or they are not there. */
TEST(damaged_zone_delivers_no_wrong_row) {
    uint64_t rng = kit_seed(73);
    int rounds = check_quick() ? 6 : 60;
    while (rounds-- > 0) {
        shared_file f;
        work k;
        uint8_t *copy;
        uint32_t i, n = 50u + kit_below(&rng, 600), zone;
        shared_init(&f, 8u << 20);
        REQUIRE_OK(work_begin(&k, &rng, &f, 1u + kit_below(&rng, 3)));
        for (i = 0; i < n; i++) CHECK_OK(work_row(&k));
        copy = (uint8_t *)kit_alloc(f.size);
        zone = (uint32_t)telem_get64(f.bytes + 88);
        for (i = 0; i < 30; i++) {
            kit_reader r;
            uint32_t hits = 1u + kit_below(&rng, 4);
            memcpy(copy, f.bytes, f.size);
            while (hits-- > 0) {
                uint32_t at = 4096u + (kit_one_in(&rng, 3) ? kit_below(&rng, 4096) : kit_below(&rng, zone));
                if (kit_one_in(&rng, 4)) at = 4096u + 64u + kit_below(&rng, k.kw.wd.journal_slots) * k.kw.wd.journal_slot_bytes + kit_below(&rng, 8);
                copy[at] = (uint8_t)(copy[at] ^ 1u << kit_below(&rng, 8));
            }
            kit_at("damaged zone, seed %lu", (unsigned long)check_seed());
            REQUIRE_OK(kit_read_memory(&r, &k.file, copy, f.size, READER));
            CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
            kit_reader_end(&r);
        }
        free(copy);
        CHECK_OK(kit_close(&k.kw));
        work_free(&k);
        free(f.bytes);
    }
}

/* A block that is damaged while its rows still stand in the zone costs nothing. */
TEST(zone_mends_damaged_blocks) {
    uint64_t rng = kit_seed(74);
    int rounds = check_quick() ? 10 : 100;
    while (rounds-- > 0) {
        shared_file f;
        work k;
        kit_reader r;
        uint32_t i, n = 20u + kit_below(&rng, 100), hits;
        size_t from;
        shared_init(&f, 8u << 20);
        REQUIRE_OK(work_begin(&k, &rng, &f, 1u + kit_below(&rng, 3)));
        from = f.size;
        CHECK_OK(telem_file_writer_flush(&k.kw.w));
        for (i = 0; i < n; i++) {
            CHECK_OK(work_row(&k));
            if (kit_one_in(&rng, 10)) CHECK_OK(telem_file_writer_flush(&k.kw.w));
        }
        CHECK_OK(telem_file_writer_flush(&k.kw.w));
        if (peek_zone_is_over(&k.kw.w)) n = 0; /* some rows are gone from the zone */
        for (hits = 0; f.size > from && hits < 3; hits++) {
            size_t at = from + kit_below(&rng, (uint32_t)(f.size - from));
            f.bytes[at] = (uint8_t)(f.bytes[at] ^ 1u << kit_below(&rng, 8));
        }
        kit_at("mended, seed %lu", (unsigned long)check_seed());
        REQUIRE_OK(kit_read_memory(&r, &k.file, f.bytes, f.size, READER));
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        if (n) {
            CHECK_EQ_INT(kit_delivered(&k.file), kit_written(&k.file));
            CHECK_EQ_INT(kit_missing(&k.file), 0);
        }
        kit_reader_end(&r);
        CHECK_OK(kit_close(&k.kw));
        work_free(&k);
        free(f.bytes);
    }
}

/* The power goes: of each sector of 512 bytes that was written since its last sync, the old bytes, the new ones, or
   a part of both; the file may be as long as at its last sync. */
static void power_cut(shared_file *f, uint64_t *rng) {
    size_t size = kit_one_in(rng, 2) ? f->size : f->medium_size, at, part;
    uint32_t luck = kit_below(rng, 4);
    if (size < f->medium_size) size = f->medium_size;
    for (at = 0; at < size; at += 512) {
        part = size - at < 512 ? size - at : 512;
        if (memcmp(f->bytes + at, f->medium + at, part) == 0) continue;
        if (kit_below(rng, 4) < luck) continue; /* it got there */
        memcpy(f->bytes + at, f->medium + at, kit_one_in(rng, 4) ? kit_below(rng, (uint32_t)part + 1u) : part);
    }
    f->size = size;
    memcpy(f->medium, f->bytes, size);
    f->medium_size = size;
    f->locked = 0;
}

/* What was synced is there, row by row, in the file as it is and, with cuts > 1, after another writer has gone on
   with it. */
static void power_cuts(uint64_t salt, int rounds, uint32_t cuts) {
    uint64_t seeds = kit_seed(salt), tried = 0, refused = 0;
    const char *only = getenv("POWER_CUT_ROUND"); /* the number that a failure prints */
    if (only) rounds = 1;
    while (rounds-- > 0 && !check_g.bad) {
        uint64_t round = only ? (uint64_t)strtoull(only, NULL, 0) : check_rand(&seeds), rng = round | 1u;
        shared_file f;
        work k;
        kit_reader r;
        static uint8_t gone[KIT_STREAMS][4096]; /* rows that an earlier cut took: they were not synced */
        uint64_t durable[KIT_STREAMS], before[KIT_STREAMS];
        uint32_t i, n = 30u + kit_below(&rng, 900), syncs, lives;
        telem_result opened;
        memset(&f, 0, sizeof f);
        f.cap = 8u << 20;
        f.bytes = (uint8_t *)calloc(1, f.cap); /* pages come as they are used */
        f.medium = (uint8_t *)calloc(1, f.cap);
        if (!f.bytes || !f.medium) abort();
        memset(durable, 0, sizeof durable);
        memset(gone, 0, sizeof gone);
        appending = 1;
        REQUIRE_OK(work_begin(&k, &rng, &f, 1u + kit_below(&rng, 3)));
        appending = 0;
        kit_at("power cut, POWER_CUT_ROUND=%lu, sync %d, coding %d", (unsigned long)round, (int)k.d.sync, (int)k.d.coding);
        CHECK_OK(telem_file_sync(&k.kw.w)); /* schemas are there */
        for (lives = 0; lives < cuts; lives++) {
            for (i = 0; i < n; i++) {
                uint32_t s;
                int told;
                syncs = f.syncs;
                for (s = 0; s < k.streams; s++) before[s] = k.file.s[s].n;
                CHECK_OK(work_row(&k));
                told = kit_one_in(&rng, 200);
                if (told) CHECK_OK(telem_file_sync(&k.kw.w));
                for (s = 0; s < k.streams && (told || k.d.sync == TELEM_FILE_SYNC_ROW || (f.syncs != syncs && k.d.sync == TELEM_FILE_SYNC_BLOCK)); s++)
                    durable[s] = told || k.d.sync == TELEM_FILE_SYNC_ROW ? k.file.s[s].n : before[s]; /* a sync within a call may come before its row */
                if (kit_one_in(&rng, 300)) CHECK_OK(telem_file_writer_flush(&k.kw.w));
            }
            free(k.kw.memory);
            power_cut(&f, &rng);
            REQUIRE_OK(kit_read_memory(&r, &k.file, f.bytes, f.size, READER));
            CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
            for (i = 0; i < k.streams; i++) {
                uint64_t j;
                for (j = 0; j < durable[i] && (k.file.s[i].seen[j] == KIT_DELIVERED || gone[i][j]); j++) {
                }
                if (j < durable[i]) kit_fail("stream %u: row %lu was synced (%lu were)", (unsigned)k.file.s[i].id, (unsigned long)j, (unsigned long)durable[i]);
            }
            kit_reader_end(&r);
            if (cuts == 1) goto next_file;
            tried++;
            opened = kit_open(&k.kw, &k.file, &k.d, &k.io);
            if (opened != TELEM_OK) {
                if (opened == TELEM_ERR_CORRUPT) refused++;
                else kit_fail("append: %d, %s", (int)opened, telem_file_writer_error(&k.kw.w).what);
                free(k.kw.memory);
                goto next_file;
            }
            if (!telem_file_journals(&k.kw.w)) kit_fail("no journal behind append");
            REQUIRE_OK(kit_add_streams(&k.kw, &k.file));
            for (i = 0; i < k.streams; i++) { /* what is lost at the end was never written: its numbers come again */
                uint64_t next = telem_file_next_row(&k.kw.w, k.file.s[i].id);
                if (next < durable[i] || next > k.file.s[i].n) kit_fail("stream %u goes on at %lu, %lu were synced", (unsigned)k.file.s[i].id, (unsigned long)next, (unsigned long)durable[i]);
                else k.file.s[i].n = (size_t)next;
                memset(gone[i] + next, 0, sizeof gone[i] - (size_t)next);
                durable[i] = k.file.s[i].n < durable[i] ? k.file.s[i].n : durable[i];
            }
            CHECK_OK(telem_file_sync(&k.kw.w));
            REQUIRE_OK(kit_read_memory(&r, &k.file, f.bytes, f.size, READER)); /* what append made of it */
            CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
            for (i = 0; i < k.streams; i++) {
                uint64_t j;
                for (j = 0; j < k.file.s[i].n; j++) {
                    if (k.file.s[i].seen[j] == KIT_DELIVERED) continue;
                    if (j < durable[i] && !gone[i][j]) kit_fail("stream %u: append lost row %lu, which was synced", (unsigned)k.file.s[i].id, (unsigned long)j);
                    gone[i][j] = 1;
                }
            }
            kit_reader_end(&r);
        }
        for (i = 0; i < 50; i++) CHECK_OK(work_row(&k));
        CHECK_OK(kit_close(&k.kw));
        REQUIRE_OK(kit_read_memory(&r, &k.file, f.bytes, f.size, READER));
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        kit_check_account(&k.file);
        for (i = 0; i < k.streams; i++) {
            uint64_t j;
            for (j = 0; j < durable[i]; j++)
                if (k.file.s[i].seen[j] != KIT_DELIVERED && !gone[i][j]) kit_fail("stream %u: row %lu was synced, and is gone after append", (unsigned)k.file.s[i].id, (unsigned long)j);
        }
        kit_reader_end(&r);
    next_file:
        work_free(&k);
        free(f.medium);
        free(f.bytes);
    }
    if (getenv("POWER_CUTS")) printf("power cuts: %lu appends, %lu refused\n", (unsigned long)tried, (unsigned long)refused);
}
static int cut_rounds(void) { return getenv("POWER_CUTS") ? atoi(getenv("POWER_CUTS")) : check_quick() ? 40 : 500; }
TEST(synced_rows_survive_a_power_cut) { power_cuts(75, cut_rounds(), 1); }

/* Refused where blocks in the middle were lost and good ones behind them cannot come again out of the zone: the
   file can be read, another one is begun. POWER_CUTS=10000: so many files, and how many appends were refused. */
TEST(append_after_a_power_cut) { power_cuts(76, cut_rounds(), 3); }

/* ---- append takes nothing away ---- */

static const uint8_t told_once[] = {TELEM_ITEM_STREAM, TELEM_ITEM_ANNOTATION, TELEM_ITEM_METADATA, TELEM_ITEM_ATTACHMENT};

/* Everything of the file as it is: delivered rows per stream into `seen` (NULL: only those of before are looked for), and
   how many items there are of each kind. */
static void read_state(work *k, const shared_file *f, uint8_t *const *seen, int check, uint64_t *items) {
    kit_reader r;
    uint32_t i;
    uint64_t j;
    REQUIRE_OK(kit_read_memory(&r, &k->file, f->bytes, f->size, READER));
    CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
    for (i = 0; i < k->streams; i++) {
        kit_stream *s = &k->file.s[i];
        for (j = 0; check && j < s->n; j++)
            if (seen[i][j] && s->seen[j] != KIT_DELIVERED) kit_fail("stream %u: row %lu of %lu could be read before append", (unsigned)s->id, (unsigned long)j, (unsigned long)s->n);
        for (j = 0; !check && j < s->n; j++) seen[i][j] = s->seen[j] == KIT_DELIVERED;
    }
    for (i = 0; i < sizeof told_once; i++) {
        if (check && r.items[told_once[i]] < items[i]) kit_fail("items of kind %u: %lu, before append %lu", (unsigned)told_once[i], (unsigned long)r.items[told_once[i]], (unsigned long)items[i]);
        items[i] = r.items[told_once[i]];
    }
    kit_reader_end(&r);
}

static void write_between(work *k) {
    telem_annotation a;
    memset(&a, 0, sizeof a);
    a.text = "between";
    a.stream = TELEM_ALL_STREAMS;
    a.time = k->t[0];
    CHECK_OK(telem_file_annotate(&k->kw.w, &a));
}

/* A kill; some bytes of the blocks or the zone are damaged or the end is cut off; somebody goes on with the file. */
static void one_damaged_append(uint64_t rng, uint64_t *refused) {
    shared_file f;
    work k;
    uint8_t *seen[KIT_STREAMS];
    uint64_t items[sizeof told_once];
    uint32_t i, n = 20u + kit_below(&rng, 900), hits = 1u + kit_below(&rng, 3), zone;
    size_t at;
    telem_result e;
    memset(&f, 0, sizeof f);
    f.cap = 4u << 20;
    f.bytes = (uint8_t *)calloc(1, f.cap);
    if (!f.bytes) abort();
    appending = 2; /* SYNC_NONE, too */
    REQUIRE_OK(work_begin(&k, &rng, &f, 1u + kit_below(&rng, 4)));
    appending = 0;
    zone = 4096u + (uint32_t)telem_get64(f.bytes + 88);
    for (i = 0; i < n; i++) {
        CHECK_OK(work_row(&k));
        if (kit_one_in(&rng, 200)) write_between(&k);
        if (kit_one_in(&rng, 300)) CHECK_OK(telem_file_writer_flush(&k.kw.w));
        if (kit_one_in(&rng, 300)) CHECK_OK(telem_file_sync(&k.kw.w));
    }
    if (kit_one_in(&rng, 8)) CHECK_OK(kit_close(&k.kw));
    else free(k.kw.memory);
    f.locked = 0;
    if (kit_one_in(&rng, 5) && f.size > zone) f.size = zone + kit_below(&rng, (uint32_t)(f.size - zone));
    while (hits-- > 0) {
        at = kit_one_in(&rng, 4) || f.size == zone ? 4096u + kit_below(&rng, zone - 4096u) : zone + kit_below(&rng, (uint32_t)(f.size - zone));
        f.bytes[at] = (uint8_t)(f.bytes[at] ^ 1u << kit_below(&rng, 8));
    }
    for (i = 0; i < k.streams; i++) { /* rows come behind these */
        seen[i] = (uint8_t *)kit_alloc(k.file.s[i].n + 64u);
        memset(seen[i], 0, k.file.s[i].n + 64u);
    }
    read_state(&k, &f, seen, 0, items);
    e = kit_open(&k.kw, &k.file, &k.d, &k.io);
    *refused += e == TELEM_ERR_CORRUPT;
    if (e == TELEM_OK && kit_add_streams(&k.kw, &k.file) == TELEM_OK) {
        read_state(&k, &f, seen, 1, items);
        for (i = 0; i < k.streams; i++) {
            uint64_t next = telem_file_next_row(&k.kw.w, k.file.s[i].id), j;
            for (j = next; j < k.file.s[i].n; j++)
                if (seen[i][j]) kit_fail("stream %u goes on at %lu, row %lu could be read", (unsigned)k.file.s[i].id, (unsigned long)next, (unsigned long)j);
            if (next > k.file.s[i].n) kit_fail("stream %u goes on at %lu of %lu", (unsigned)k.file.s[i].id, (unsigned long)next, (unsigned long)k.file.s[i].n);
            else k.file.s[i].n = (size_t)next;
        }
        for (i = 0; i < 40; i++) CHECK_OK(work_row(&k));
        CHECK_OK(kit_close(&k.kw));
    } else {
        free(k.kw.memory);
    }
    read_state(&k, &f, seen, 1, items);
    for (i = 0; i < k.streams; i++) free(seen[i]);
    work_free(&k);
    free(f.bytes);
}
TEST(append_makes_nothing_unreadable) {
    uint64_t seeds = kit_seed(77), refused = 0;
    const char *only = getenv("APPEND_ROUND"), *many = getenv("APPENDS");
    int rounds = only ? 1 : many ? atoi(many) : check_quick() ? 60 : 1000;
    while (rounds-- > 0 && !check_g.bad) {
        uint64_t round = only ? (uint64_t)strtoull(only, NULL, 0) : check_rand(&seeds);
        kit_at("append, APPEND_ROUND=%lu", (unsigned long)round);
        one_damaged_append(round | 1u, &refused);
    }
    if (many) printf("damaged appends: %lu refused\n", (unsigned long)refused);
}

TELEM_LABELS(states, {0, "OFF"}, {1, "ON"});
#define SAMPLE_TABLE(F) F(FIELD, u32, n, "", "") F(FIELD, f32, volts, "V", "") F(ENUM, u8, state, states, "")
TELEM_DEFINE(Sample, SAMPLE_TABLE, "");

typedef struct plain {
    telem_file_writer w;
    telem_file_writer_desc d;
    telem_io io;
    handle h;
    void *memory;
    uint32_t spare; /* streams that come later */
} plain;

static telem_result plain_open(plain *p, shared_file *f, uint8_t sync) {
    telem_file_stream_desc sd;
    telem_result r;
    memset(&sd, 0, sizeof sd);
    if (!p->io.write) p->io = shared_io(&p->h, f);
    p->d.io = &p->io;
    p->d.session = 77;
    p->d.sync = sync;
    p->d.max_streams = 4;
    sd.id = 1;
    sd.schema = &Sample_schema;
    p->d.memory_size = telem_file_writer_bytes(&p->d) + (1u + p->spare) * telem_file_stream_bytes(&p->d, &sd);
    p->d.memory = p->memory = kit_alloc(p->d.memory_size);
    r = telem_file_writer_open(&p->w, &p->d);
    return r == TELEM_OK ? telem_file_add_stream(&p->w, &sd) : r;
}
static telem_result plain_row(plain *p, uint32_t n) {
    Sample s;
    memset(&s, 0, sizeof s);
    s.n = n;
    return telem_file_write(&p->w, 1, n, &s);
}

TEST(zone_has_the_bytes_of_section_12) {
    static const uint8_t row0[] = {0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    shared_file f;
    plain p;
    uint8_t id[8];
    uint32_t seed;
    const uint8_t *z, *slot, *second;
    shared_init(&f, 1u << 20);
    memset(&p, 0, sizeof p);
    p.d.journal = 1;
    p.d.journal_slots = 3;
    p.d.journal_slot_bytes = 256;
    REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE));
    CHECK_OK(plain_row(&p, 5));
    CHECK_OK(plain_row(&p, 5));
    z = f.bytes + 4096;
    slot = z + 64 + 256; /* generation 1 of 3 */
    telem_put64(id, 77);
    seed = XXH32(id, 8, 0);
    CHECK_EQ_INT(telem_get16(f.bytes + 10), 4096);
    CHECK_EQ_INT(telem_get32(f.bytes + 4092), XXH32(f.bytes, 4092, 0));
    CHECK_EQ_INT(telem_get32(f.bytes + 24), 1);
    CHECK_EQ_INT(telem_get64(f.bytes + 88), 4096);
    CHECK_MEM(z, "TLJ1\1\0\3\0\115\0\0\0\0\0\0\0\0\1\0\0", 20);
    CHECK_EQ_INT(telem_get32(z + 20), XXH32(z, 20, seed));
    CHECK_EQ_INT(telem_get32(z + 24), 1);
    CHECK_EQ_INT(telem_get32(slot + 4), 1);
    CHECK_EQ_INT(telem_get32(slot), 40 + 32);
    CHECK_MEM(slot + 64, row0, sizeof row0);
    CHECK_EQ_INT(telem_get32(slot + 64 + 36), XXH32(slot + 64, 36, seed ^ 1u));
    second = slot + 64 + 40;
    CHECK_EQ_INT(telem_get64(second), 1);
    CHECK_EQ_INT(telem_get32(second + 20), 0xFFFFFFFFu); /* a repeat of the row 40 bytes before */
    CHECK_EQ_INT(telem_get32(second + 24), 40);
    CHECK_EQ_INT(telem_get32(second + 28), XXH32(second, 28, seed ^ 1u));
    CHECK_OK(telem_file_writer_close(&p.w));
    CHECK_EQ_INT(telem_get32(z + 24), 0);
    free(p.memory);
    free(f.bytes);
}

TEST(plain_where_the_io_cannot_map) {
    shared_file f;
    plain p;
    shared_init(&f, 1u << 20);
    memset(&p, 0, sizeof p);
    p.d.journal = 1;
    p.io = shared_io(&p.h, &f);
    p.io.map = NULL;
    REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE));
    CHECK(!telem_file_journals(&p.w));
    CHECK_OK(plain_row(&p, 1));
    CHECK_OK(telem_file_writer_close(&p.w));
    CHECK_EQ_INT(telem_get16(f.bytes + 10), 104);
    CHECK_EQ_INT(telem_get32(f.bytes + 24), 0);
    free(p.memory);
    free(f.bytes);
}

TEST(sync_policies_sync_when_they_say) {
    uint32_t policy, i;
    for (policy = 0; policy <= TELEM_FILE_SYNC_ROW; policy++) {
        shared_file f;
        plain p;
        uint32_t begin;
        shared_init(&f, 8u << 20);
        memset(&p, 0, sizeof p);
        p.d.journal = 1;
        p.d.max_age_ns = UINT64_MAX;
        p.d.sync_ns = 1000;
        REQUIRE_OK(plain_open(&p, &f, (uint8_t)policy));
        begin = f.syncs;
        CHECK_EQ_INT(begin, policy != TELEM_FILE_SYNC_NONE);
        f.map_syncs = 0;
        for (i = 0; i < 100; i++) {
            CHECK_OK(plain_row(&p, i));
            CHECK_OK(telem_file_writer_poll(&p.w, 0, 10 * (int64_t)i));
        }
        CHECK_EQ_INT(f.syncs - begin, 0);
        CHECK_EQ_INT(f.map_syncs, policy == TELEM_FILE_SYNC_ROW ? 200 : 0);
        CHECK_OK(telem_file_writer_poll(&p.w, 0, 1000));
        CHECK_EQ_INT(f.syncs - begin, policy == TELEM_FILE_SYNC_INTERVAL);
        CHECK_OK(telem_file_writer_flush(&p.w));
        CHECK_OK(plain_row(&p, i));
        CHECK_EQ_INT(f.syncs - begin, policy != TELEM_FILE_SYNC_NONE);
        f.sync_fails = TELEM_ERR_IO;
        CHECK_EQ_INT(telem_file_sync(&p.w), TELEM_ERR_IO); /* as from another thread: the writer's own is told next */
        CHECK_EQ_INT(plain_row(&p, i), TELEM_ERR_IO);
        f.sync_fails = TELEM_OK; /* what the one before did not write may be gone all the same */
        CHECK_EQ_INT(telem_file_sync(&p.w), TELEM_ERR_IO);
        if (policy % 2) {
            CHECK_OK(telem_file_writer_clear(&p.w));
            CHECK_OK(telem_file_sync(&p.w));
            CHECK_OK(plain_row(&p, i));
        }
        CHECK_EQ_INT(telem_file_writer_close(&p.w), policy % 2 ? TELEM_OK : TELEM_ERR_IO);
        free(p.memory);
        free(f.bytes);
    }
}

TEST(append_leaves_a_short_file_of_others_alone) {
    static const char text[] = "hello, I am not of telem";
    shared_file f;
    plain p;
    uint8_t begun[104];
    size_t n;
    shared_init(&f, 1u << 20);
    for (n = 1; n < sizeof text; n++) {
        memset(&p, 0, sizeof p);
        p.d.append = 1;
        p.io = shared_io(&p.h, &f);
        memcpy(f.bytes, text, n);
        f.size = n;
        CHECK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE) != TELEM_OK);
        CHECK(f.size == n && memcmp(f.bytes, text, n) == 0);
        CHECK(!f.locked);
        free(p.memory);
    }
    f.size = 0;
    memset(&p, 0, sizeof p);
    p.d.append = 1;
    p.io = shared_io(&p.h, &f);
    REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE));
    CHECK_OK(telem_file_writer_close(&p.w));
    memcpy(begun, f.bytes, sizeof begun);
    free(p.memory);
    for (n = 1; n < sizeof begun; n++) { /* a header that was cut is begun anew */
        memset(&p, 0, sizeof p);
        p.d.append = 1;
        p.io = shared_io(&p.h, &f);
        memcpy(f.bytes, begun, n);
        f.size = n;
        CHECK_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE));
        CHECK_OK(telem_file_writer_close(&p.w));
        free(p.memory);
    }
    free(f.bytes);
}

TEST(second_writer_is_refused) {
    shared_file f;
    plain p, q;
    shared_init(&f, 1u << 20);
    memset(&p, 0, sizeof p);
    memset(&q, 0, sizeof q);
    REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE));
    CHECK_EQ_INT(plain_open(&q, &f, TELEM_FILE_SYNC_NONE), TELEM_ERR_BUSY);
    CHECK_STR(telem_file_writer_error(&q.w).what, "another writer has the file open");
    free(q.memory);
    CHECK_OK(telem_file_writer_close(&p.w));
    memset(&q, 0, sizeof q);
    CHECK_OK(plain_open(&q, &f, TELEM_FILE_SYNC_NONE));
    CHECK_OK(telem_file_writer_close(&q.w));
    free(p.memory);
    free(q.memory);
    free(f.bytes);
}

/* Reads all of a file: rows, and rows that are missing. */
static void plain_read(shared_file *f, uint64_t *rows, uint64_t *missing, uint64_t *damage) {
    telem_file_reader r;
    telem_file_reader_desc d;
    telem_file_item item;
    handle h;
    telem_io io = shared_io(&h, f);
    *rows = *missing = *damage = 0;
    memset(&d, 0, sizeof d);
    d.io = &io;
    d.memory_size = 8u << 20;
    d.memory = kit_alloc(d.memory_size);
    CHECK_OK(telem_file_reader_open(&r, &d));
    for (;;) {
        telem_result e = telem_file_next(&r, &item);
        if (e == TELEM_END && !r.finish && telem_file_reader_finish(&r) == TELEM_OK) continue;
        if (e != TELEM_OK) break;
        *rows += item.kind == TELEM_ITEM_ROW;
        *damage += item.kind == TELEM_ITEM_DAMAGE;
        *missing += item.kind == TELEM_ITEM_MISSING ? item.count : 0;
    }
    free(d.memory);
}

static telem_result plain_add(plain *p, uint32_t id) { /* in the writer's spare memory */
    telem_file_stream_desc sd;
    memset(&sd, 0, sizeof sd);
    sd.id = id;
    sd.name = "another";
    sd.schema = &Sample_schema;
    return telem_file_add_stream(&p->w, &sd);
}

/* What a stream wrote last into the zone of the file before is not what its rows in the next one repeat. */
TEST(rows_behind_a_rotation_repeat_nothing_before_it) {
    shared_file f, g;
    plain p;
    handle h;
    telem_io next;
    Sample other;
    uint64_t rows, missing, damage;
    shared_init(&f, 1u << 20);
    shared_init(&g, 1u << 20);
    memset(&p, 0, sizeof p);
    memset(&other, 0, sizeof other);
    p.d.coding = TELEM_FILE_ROWS;
    p.d.journal = 1;
    p.d.journal_slots = 3;
    p.d.journal_slot_bytes = 4096;
    p.spare = 1;
    REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE));
    REQUIRE_OK(plain_add(&p, 2));
    CHECK_OK(plain_row(&p, 5));
    CHECK_OK(plain_row(&p, 6));
    next = shared_io(&h, &g);
    REQUIRE_OK(peek_rotate(&p.w, &next, 2, 78));
    CHECK_OK(telem_file_write(&p.w, 2, 7, &other));
    CHECK_OK(plain_row(&p, 0)); /* as what stands there: nothing */
    CHECK_OK(plain_row(&p, 1));
    plain_read(&g, &rows, &missing, &damage);
    CHECK_EQ_INT(rows, 3);
    CHECK_EQ_INT(missing + damage, 0);
    CHECK_OK(telem_file_writer_close(&p.w));
    free(p.memory);
    free(f.bytes);
    free(g.bytes);
}

/* The disk is full for a while, again and again: what a write returned OK for is read, or counted as lost. */
static void full_disk(uint64_t rng) {
    shared_file f;
    work k;
    kit_reader r;
    uint32_t i, n = 200u + kit_below(&rng, 1500);
    size_t most;
    shared_init(&f, 8u << 20);
    most = f.cap;
    REQUIRE_OK(work_begin(&k, &rng, &f, 1u + kit_below(&rng, 3)));
    for (i = 0; i < n; i++) {
        if (kit_one_in(&rng, 150)) f.cap = f.size + kit_below(&rng, 3000);
        if (work_row(&k) != TELEM_OK) {
            CHECK_EQ_INT(telem_file_writer_error(&k.kw.w).code, TELEM_ERR_SPACE);
            if (kit_one_in(&rng, 3)) (void)telem_file_writer_clear(&k.kw.w); /* there may be room for what it writes */
            if (kit_one_in(&rng, 2)) continue;
            f.cap = most;
            CHECK_OK(telem_file_writer_clear(&k.kw.w));
        }
    }
    f.cap = most;
    CHECK_OK(telem_file_writer_clear(&k.kw.w));
    (void)work_row(&k);
    i = (uint32_t)telem_file_writer_get_stats(&k.kw.w).lost;
    CHECK_OK(kit_close(&k.kw));
    REQUIRE_OK(kit_read_memory(&r, &k.file, f.bytes, f.size, READER));
    CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
    kit_check_account(&k.file);
    CHECK(kit_missing(&k.file) <= i);
    kit_reader_end(&r);
    work_free(&k);
    free(f.bytes);
}
TEST(full_disk_is_told_and_cleared) {
    uint64_t seeds = kit_seed(78);
    const char *only = getenv("FULL_ROUND");
    int rounds = only ? 1 : check_quick() ? 20 : 400;
    while (rounds-- > 0 && !check_g.bad) {
        uint64_t round = only ? (uint64_t)strtoull(only, NULL, 0) : check_rand(&seeds);
        kit_at("full disk, FULL_ROUND=%lu", (unsigned long)round);
        full_disk(round | 1u);
    }
}

/* A slot's sync fails: the row that wanted it is lost, those that wait for their block are not. */
TEST(failed_sync_of_a_slot_costs_its_row_only) {
    uint8_t coding;
    for (coding = TELEM_FILE_ROWS; coding <= TELEM_FILE_MINI; coding++) {
        shared_file f;
        plain p;
        uint32_t i, lost = 0;
        uint64_t rows, missing, damage;
        Sample other;
        shared_init(&f, 1u << 20);
        memset(&p, 0, sizeof p);
        p.d.coding = coding;
        p.d.journal = 1;
        p.d.journal_slots = 2;
        p.d.journal_slot_bytes = 256;
        p.d.sync_ns = UINT64_MAX;
        p.d.max_age_ns = UINT64_MAX;
        p.spare = 1;
        REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_INTERVAL));
        REQUIRE_OK(plain_add(&p, 2));
        memset(&other, 0, sizeof other);
        for (i = 0; i < 4; i++) { /* they fill the first slot: the third one wants it, and what waits is in the second */
            other.n = i;
            CHECK_OK(telem_file_write(&p.w, 2, i, &other));
        }
        f.sync_fails = TELEM_ERR_IO;
        for (i = 0; i < 30; i++) {
            if (plain_row(&p, i) == TELEM_OK) continue;
            lost++;
            f.sync_fails = TELEM_OK;
            CHECK_OK(telem_file_writer_clear(&p.w));
        }
        CHECK_EQ_INT(lost, 1);
        CHECK_EQ_INT(telem_file_writer_get_stats(&p.w).lost, lost);
        CHECK_OK(telem_file_writer_close(&p.w));
        plain_read(&f, &rows, &missing, &damage);
        CHECK_EQ_INT(rows, 34 - lost);
        CHECK_EQ_INT(missing, lost);
        CHECK_EQ_INT(damage, 0);
        free(p.memory);
        free(f.bytes);
    }
}

#define WIDE_TABLE(F) F(FIELD, u64, a, "", "") F(FIELD, u64, b, "", "") F(FIELD, u64, c, "", "") F(FIELD, u64, d, "", "")
TELEM_DEFINE(Wide, WIDE_TABLE, "");

/* A sync fails while a block is going out piece by piece; behind telem_file_writer_clear it goes on, whole. */
TEST(failed_sync_within_a_block_leaves_it_whole) {
    uint64_t rng = kit_seed(75);
    uint8_t pace;
    for (pace = TELEM_FILE_SPREAD; pace <= TELEM_FILE_HELPER; pace = (uint8_t)(pace + 2)) {
        shared_file f;
        plain p;
        handle h;
        telem_file_stream_desc sd;
        uint32_t i, hits = 0;
        uint64_t rows, missing, damage;
        shared_init(&f, 1u << 20);
        memset(&p, 0, sizeof p);
        memset(&sd, 0, sizeof sd);
        p.io = shared_io(&h, &f);
        p.d.io = &p.io;
        p.d.max_streams = 2;
        p.d.coding = TELEM_FILE_COLUMNS;
        p.d.pace = pace;
        p.d.block_rows = 1600; /* two pieces to a block */
        p.d.sync = TELEM_FILE_SYNC_BLOCK;
        p.d.max_age_ns = UINT64_MAX;
        sd.id = 1;
        sd.schema = &Wide_schema;
        p.d.memory_size = telem_file_writer_bytes(&p.d) + telem_file_stream_bytes(&p.d, &sd);
        p.d.memory = kit_alloc(p.d.memory_size);
        REQUIRE_OK(telem_file_writer_open(&p.w, &p.d));
        REQUIRE_OK(telem_file_add_stream(&p.w, &sd));
        for (i = 0; i < 6000; i++) {
            Wide x;
            x.a = check_rand(&rng);
            x.b = check_rand(&rng);
            x.c = check_rand(&rng);
            x.d = check_rand(&rng);
            CHECK_OK(telem_file_write(&p.w, 1, i, &x));
            if (pace == TELEM_FILE_HELPER) (void)telem_file_work(&p.w);
            if (!peek_block_half_written(&p.w)) continue;
            f.sync_fails = TELEM_ERR_IO;
            p.w.sync_due = 1;
            if (pace == TELEM_FILE_HELPER) CHECK_EQ_INT(telem_file_work(&p.w), TELEM_ERR_IO);
            CHECK_EQ_INT(telem_file_writer_poll(&p.w, 0, i), TELEM_ERR_IO);
            f.sync_fails = TELEM_OK;
            CHECK_OK(telem_file_writer_clear(&p.w));
            hits++;
        }
        CHECK(hits > 0);
        CHECK_OK(telem_file_writer_close(&p.w));
        plain_read(&f, &rows, &missing, &damage);
        CHECK_EQ_INT(rows, i);
        CHECK_EQ_INT(missing + damage, 0);
        free(p.d.memory);
        free(f.bytes);
    }
}

/* A block in the middle is damaged, its writer was killed; the zone has its rows, but not those of a good block
   behind it: to write the ones append would have to cut off the other. It refuses, and readers have both. */
static void flipped_before_a_good_block(uint8_t sync) {
    shared_file f;
    plain p;
    Sample other;
    uint32_t i;
    uint64_t rows, missing, damage, had;
    uint8_t *bad;
    kit_at("sync %u", (unsigned)sync);
    shared_init(&f, 1u << 20);
    memset(&p, 0, sizeof p);
    memset(&other, 0, sizeof other);
    p.d.coding = TELEM_FILE_ROWS;
    p.d.block_rows = 20;
    p.d.max_age_ns = UINT64_MAX;
    p.d.journal = p.d.append = 1;
    p.d.journal_slots = 4;
    p.d.journal_slot_bytes = 1024; /* 24 rows */
    p.spare = 1;
    REQUIRE_OK(plain_open(&p, &f, sync));
    REQUIRE_OK(plain_add(&p, 2));
    for (i = 0; i < 3; i++) {
        other.n = i;
        CHECK_OK(telem_file_write(&p.w, 2, i, &other));
    }
    for (i = 0; i < 61; i++) CHECK_OK(plain_row(&p, i));
    bad = f.bytes + f.size - 20; /* in the block of rows 40 to 59 */
    for (; i < 96; i++) CHECK_OK(plain_row(&p, i)); /* the first slot is taken again: the other stream's block is closed */
    *bad ^= 1u;
    plain_read(&f, &had, &missing, &damage);
    CHECK(had >= 59 + 20); /* those of the damaged block come out of the zone */
    CHECK_EQ_INT(had + missing, 99);
    f.locked = 0; /* killed */
    free(p.memory);
    CHECK_EQ_INT(plain_open(&p, &f, sync), TELEM_ERR_CORRUPT);
    plain_read(&f, &rows, &missing, &damage);
    CHECK_EQ_INT(rows, had);
    CHECK_EQ_INT(rows + missing, 99);
    CHECK(damage > 0);
    CHECK(!f.locked);
    free(p.memory);
    free(f.bytes);
}

TEST(append_cuts_no_block_that_the_zone_cannot_replace) {
    uint8_t sync;
    for (sync = TELEM_FILE_SYNC_NONE; sync <= TELEM_FILE_SYNC_ROW; sync++) flipped_before_a_good_block(sync);
}

/* One bit of a slot's number is wrong: the rows of that slot may be gone, those of the others are not. */
TEST(damaged_number_of_a_slot_costs_that_slot_only) {
    uint32_t slot, bit;
    for (slot = 0; slot < 4; slot++) {
        for (bit = 2; bit < 32; bit++) {
            shared_file f;
            plain p;
            uint32_t i;
            uint64_t rows, missing, damage;
            shared_init(&f, 1u << 16);
            memset(&p, 0, sizeof p);
            p.d.coding = TELEM_FILE_ROWS;
            p.d.max_age_ns = UINT64_MAX;
            p.d.journal = p.d.append = 1;
            p.d.journal_slots = 4;
            p.d.journal_slot_bytes = 1024; /* 24 rows */
            REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE));
            for (i = 0; i < 60; i++) CHECK_OK(plain_row(&p, i));
            f.bytes[4096 + 64 + slot * 1024 + 4 + bit / 8u] ^= (uint8_t)(1u << bit % 8u);
            kit_at("slot %u, bit %u", (unsigned)slot, (unsigned)bit);
            plain_read(&f, &rows, &missing, &damage);
            if (rows < 36) kit_fail("only %lu rows", (unsigned long)rows);
            f.locked = 0; /* killed; and somebody goes on */
            free(p.memory);
            REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE));
            CHECK(telem_file_next_row(&p.w, 1) >= 48);
            CHECK_OK(plain_row(&p, i));
            plain_read(&f, &rows, &missing, &damage);
            if (rows < 37) kit_fail("only %lu rows later", (unsigned long)rows);
            CHECK_OK(telem_file_writer_close(&p.w));
            free(p.memory);
            free(f.bytes);
        }
    }
}

/* A follower at a slot whose head is damaged goes on when later slots are there; its rows come out of their blocks. */
TEST(follower_goes_on_behind_a_damaged_slot) {
    uint32_t bit;
    for (bit = 0; bit < 64; bit++) {
        shared_file f;
        plain p;
        telem_file_reader r;
        telem_file_reader_desc d;
        telem_file_item item;
        handle h;
        telem_io io = shared_io(&h, (shared_init(&f, 1u << 17), &f));
        uint64_t last = 0, rows = 0;
        uint32_t i, j;
        memset(&p, 0, sizeof p);
        memset(&d, 0, sizeof d);
        p.d.coding = TELEM_FILE_ROWS;
        p.d.max_age_ns = UINT64_MAX;
        p.d.journal = 1;
        p.d.journal_slots = 4;
        p.d.journal_slot_bytes = 1024; /* 24 rows */
        REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE));
        d.io = &io;
        d.memory_size = 8u << 20;
        d.memory = kit_alloc(d.memory_size);
        REQUIRE_OK(telem_file_reader_open(&r, &d));
        kit_at("bit %u", (unsigned)bit);
        for (i = 0; i < 400; i++) {
            CHECK_OK(plain_row(&p, i));
            if (i == 30) f.bytes[4096 + 64 + 2 * 1024 + bit / 8] ^= (uint8_t)(1u << bit % 8); /* the slot that is being filled */
            for (j = 0; j < 3; j++)
                while (telem_file_next(&r, &item) == TELEM_OK)
                    if (item.kind == TELEM_ITEM_ROW) last = item.row, rows++;
        }
        if (last < 399 - 24) kit_fail("it stands at row %lu", (unsigned long)last);
        if (rows < 400 - 24) kit_fail("%lu rows", (unsigned long)rows);
        free(d.memory);
        CHECK_OK(telem_file_writer_close(&p.w));
        free(p.memory);
        free(f.bytes);
    }
}

/* A foreign file is left as it is, also one that begins with zeros or has what looks like a zone's header. */
static void check_append_refuses(shared_file *f, const char *what) {
    uint8_t *copy = (uint8_t *)kit_alloc(f->size);
    size_t size = f->size;
    plain p;
    memcpy(copy, f->bytes, size);
    memset(&p, 0, sizeof p);
    p.d.append = 1;
    kit_at("%s", what);
    CHECK(plain_open(&p, f, TELEM_FILE_SYNC_NONE) != TELEM_OK);
    CHECK(f->size == size && memcmp(f->bytes, copy, size) == 0);
    CHECK(!f->locked);
    free(p.memory);
    free(copy);
}

static void check_append_begins(shared_file *f, const char *what) {
    plain p;
    memset(&p, 0, sizeof p);
    p.d.append = 1;
    kit_at("%s", what);
    CHECK_OK(plain_open(&p, f, TELEM_FILE_SYNC_NONE));
    CHECK_OK(telem_file_writer_close(&p.w));
    CHECK_MEM(f->bytes, "\211TLM\r\n\032\n", 8);
    free(p.memory);
}

TEST(append_overwrites_nothing_of_value) {
    shared_file f;
    plain p;
    uint8_t begun[64u << 10];
    uint32_t i;
    size_t n, size;
    shared_init(&f, 1u << 20);
    for (n = 5; n < 9000; n = n * 3 / 2) { /* four zeros, then text */
        memset(f.bytes, 0x55, f.size = n);
        memset(f.bytes, 0, 4);
        check_append_refuses(&f, "zeros, then text");
        memset(f.bytes, 0, n);
        f.bytes[n - 1] = 1;
        check_append_refuses(&f, "zeros, then one byte");
        memset(f.bytes, 0, n);
        f.bytes[4] = 1;
        check_append_refuses(&f, "a byte among zeros");
    }
    memset(&p, 0, sizeof p); /* as a writer leaves it that was killed before its first row */
    p.d.journal = 1;
    p.d.journal_slots = 3;
    p.d.journal_slot_bytes = 1024;
    f.size = 0;
    REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE));
    size = 8192; /* without the schema behind the zone */
    REQUIRE(f.size > size && f.size < sizeof begun && telem_get64(f.bytes + 88) == 4096);
    memcpy(begun, f.bytes, size);
    for (i = 0; i < 30; i++) CHECK_OK(plain_row(&p, i));
    memset(f.bytes, 0, 4); /* a header that lost its magic, with rows in the zone */
    f.locked = 0;
    check_append_refuses(&f, "rows in the zone and blocks behind it");
    f.size = size;
    check_append_refuses(&f, "rows in the zone");
    telem_put16(f.bytes + 4096 + 6, 64);
    telem_put32(f.bytes + 4096 + 16, 1u << 28);
    check_append_refuses(&f, "a damaged zone");
    free(p.memory);
    memcpy(f.bytes, begun, size);
    memset(f.bytes, 0, 4);
    f.bytes[4096 + 16] ^= 64;
    check_append_refuses(&f, "a zone's header whose check fails");
    for (n = 0; n < 104; n++) { /* killed while the page of the header was made: any part of it */
        memcpy(f.bytes, begun, f.size = size);
        memset(f.bytes, 0, n < 4 ? 4 : n);
        check_append_begins(&f, "a header without its magic");
    }
    memcpy(f.bytes, begun, f.size = size);
    memset(f.bytes, 0, 4096);
    check_append_begins(&f, "a zone alone");
    memset(f.bytes, 0, f.size = size);
    check_append_begins(&f, "zeros");
    free(f.bytes);
}

/* Row numbers near the end of what there is, in a zone whose checks hold: nothing may be written that cannot be read. */
TEST(append_refuses_row_numbers_without_end) {
    static const uint64_t numbers[] = {UINT64_MAX, UINT64_MAX - 1u, UINT64_MAX - 4u, (uint64_t)1 << 63, ((uint64_t)1 << 63) - 1u, (uint64_t)1 << 40};
    uint32_t i, k;
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        shared_file f;
        plain p;
        uint8_t *slot, *row, *copy;
        uint8_t id[8];
        size_t size;
        telem_result r;
        shared_init(&f, 1u << 20);
        memset(&p, 0, sizeof p);
        p.d.journal = 1;
        p.d.journal_slots = 3;
        p.d.journal_slot_bytes = 1024;
        REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE));
        for (k = 0; k < 8; k++) CHECK_OK(plain_row(&p, k));
        slot = f.bytes + 4096 + 64 + 1024;
        CHECK_EQ_INT(telem_get32(slot), 8 * 40);
        row = slot + 64 + 5 * 40;
        telem_put64(row, numbers[i]);
        telem_put64(id, 77);
        telem_put32(row + 36, XXH32(row, 36, XXH32(id, 8, 0) ^ 1u));
        free(p.memory);
        f.locked = 0;
        size = f.size;
        copy = (uint8_t *)kit_alloc(size);
        memcpy(copy, f.bytes, size);
        memset(&p, 0, sizeof p);
        p.d.append = 1;
        p.d.coding = TELEM_FILE_ROWS;
        kit_at("row %lx", (unsigned long)numbers[i]);
        r = plain_open(&p, &f, TELEM_FILE_SYNC_NONE);
        CHECK_EQ_INT(r, numbers[i] >> 63 ? TELEM_ERR_LIMIT : TELEM_OK);
        if (r != TELEM_OK) {
            CHECK(f.size == size && memcmp(f.bytes, copy, size) == 0);
            CHECK_STR(telem_file_writer_error(&p.w).what, "a stream's next row number is above 2^63");
        } else {
            telem_memory_io st;
            telem_io io;
            telem_file_reader_desc d;
            telem_file_reader rd;
            telem_file_item item;
            uint32_t rows = 0;
            CHECK_EQ_INT(telem_file_next_row(&p.w, 1), numbers[i] + 1u);
            for (k = 0; k < 5; k++) CHECK_OK(plain_row(&p, k));
            CHECK_OK(telem_file_writer_close(&p.w));
            io = telem_io_memory_view(&st, f.bytes, f.size);
            memset(&d, 0, sizeof d);
            d.io = &io;
            d.memory_size = 4u << 20;
            d.memory = kit_alloc(d.memory_size);
            REQUIRE_OK(telem_file_reader_open(&rd, &d));
            while (telem_file_next(&rd, &item) == TELEM_OK) rows += item.kind == TELEM_ITEM_ROW;
            CHECK_EQ_INT(rows, 6 + 5);
            free(d.memory);
        }
        free(p.memory);
        free(copy);
        free(f.bytes);
    }
}

/* Many damaged blocks while the zone is in use: rows of it come instead, those that it has not cost no walk over it each. */
typedef struct counted {
    shared_file *f;
    size_t pos;
    uint64_t reads, bytes;
} counted;
static int64_t counted_read(void *user, void *to, size_t n) {
    counted *c = (counted *)user;
    handle h;
    int64_t got;
    h.f = c->f;
    h.pos = c->pos;
    got = shared_read(&h, to, n);
    c->pos = h.pos;
    c->reads++;
    c->bytes += (uint64_t)got;
    return got;
}
static telem_result counted_seek(void *user, uint64_t pos) {
    ((counted *)user)->pos = (size_t)pos;
    return TELEM_OK;
}
static int64_t counted_size(void *user) { return (int64_t)((counted *)user)->f->size; }

TEST(damaged_blocks_cost_no_walk_each) {
    uint32_t kind, i, k, blocks = check_quick() ? 400 : 2000;
    for (kind = 0; kind < 2; kind++) { /* 1: rows of the damaged blocks stand in the zone */
        shared_file f;
        plain p;
        telem_file_stream_desc sd;
        telem_file_reader_desc d;
        telem_file_reader r;
        telem_file_item item;
        telem_io io;
        counted c;
        Sample s;
        size_t *at = (size_t *)kit_alloc(blocks * sizeof *at);
        uint64_t rows = 0, missing = 0;
        shared_init(&f, 8u << 20);
        memset(&p, 0, sizeof p);
        memset(&sd, 0, sizeof sd);
        memset(&s, 0, sizeof s);
        p.spare = 2;
        p.d.journal = 1;
        p.d.journal_slots = kind ? 8 : 4;
        p.d.journal_slot_bytes = kind ? 1u << 18 : 1u << 16;
        p.d.coding = TELEM_FILE_ROWS;
        REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE));
        sd.schema = &Sample_schema;
        sd.id = 2;
        sd.name = "two";
        CHECK_OK(telem_file_add_stream(&p.w, &sd));
        sd.id = 3;
        sd.name = "three";
        CHECK_OK(telem_file_add_stream(&p.w, &sd));
        for (i = 0; i < blocks; i++) {
            s.n = i;
            CHECK_OK(telem_file_write(&p.w, 1u + i % 2u, i, &s));
            CHECK_OK(telem_file_writer_flush(&p.w));
            at[i] = (size_t)telem_file_writer_get_stats(&p.w).bytes;
        }
        for (i = 0; i < 20000; i++) {
            s.n = i;
            CHECK_OK(telem_file_write(&p.w, 3, i, &s));
        }
        for (i = k = 0; i + 4 < blocks; i += 4) f.bytes[at[i] - 16] ^= 0x40, f.bytes[at[i + 1] - 16] ^= 0x40, k += 2; /* of both */
        memset(&c, 0, sizeof c);
        memset(&io, 0, sizeof io);
        c.f = &f;
        io.user = &c;
        io.read = counted_read;
        io.seek = counted_seek;
        io.size = counted_size;
        memset(&d, 0, sizeof d);
        d.io = &io;
        d.memory_size = 8u << 20;
        d.memory = kit_alloc(d.memory_size);
        kit_at("kind %u", (unsigned)kind);
        REQUIRE_OK(telem_file_reader_open(&r, &d));
        while (telem_file_next(&r, &item) == TELEM_OK) {
            if (item.kind == TELEM_ITEM_ROW) rows++;
            if (item.kind == TELEM_ITEM_MISSING) missing += item.count;
        }
        CHECK_EQ_INT(rows + missing, blocks + 20000u);
        CHECK(kind ? missing == 0 : missing >= k); /* and those behind them, up to the next KEY block */
        if (c.reads > 4u * 20000u + 100u * blocks) kit_fail("%lu reads, %lu bytes", (unsigned long)c.reads, (unsigned long)c.bytes);
        free(d.memory);
        free(at);
        CHECK_OK(telem_file_writer_close(&p.w));
        free(p.memory);
        free(f.bytes);
    }
}

/* An io that fails once while a killed writer's file is read or gone on with: the error is answered, and the rows
   that only the zone has are there afterwards. */
typedef struct flaky {
    handle h; /* first: the other calls of shared_io take it */
    uint64_t calls, fail_at;
} flaky;
static int flaky_fails(void *user) {
    flaky *k = (flaky *)user;
    return ++k->calls == k->fail_at;
}
static int64_t flaky_read(void *user, void *to, size_t n) { return flaky_fails(user) ? TELEM_ERR_IO : shared_read(user, to, n); }
static telem_result flaky_seek(void *user, uint64_t pos) { return flaky_fails(user) ? TELEM_ERR_IO : shared_seek(user, pos); }
static telem_io flaky_io(flaky *k, shared_file *f) {
    telem_io io = shared_io(&k->h, f);
    k->calls = 0;
    io.user = k;
    io.read = flaky_read;
    io.seek = flaky_seek;
    return io;
}

/* A file of 40 rows, of which the zone alone has the last ones; its writer is gone. */
static void killed_file(shared_file *f) {
    plain p;
    uint32_t i;
    shared_init(f, 1u << 20);
    memset(&p, 0, sizeof p);
    p.d.journal = 1;
    p.d.journal_slots = 4;
    p.d.journal_slot_bytes = 4096;
    p.d.coding = TELEM_FILE_ROWS;
    REQUIRE_OK(plain_open(&p, f, TELEM_FILE_SYNC_NONE));
    for (i = 0; i < 40; i++) {
        CHECK_OK(plain_row(&p, i));
        if (i == 14 || i == 24) CHECK_OK(telem_file_writer_flush(&p.w));
    }
    f->locked = 0;
    free(p.memory);
}

TEST(append_behind_an_io_that_fails_once_loses_no_row) {
    shared_file f;
    uint8_t *copy;
    size_t size;
    uint64_t at = 1, calls = 1, refused = 0, rows, missing, damage;
    killed_file(&f);
    size = f.size;
    copy = (uint8_t *)kit_alloc(f.cap);
    memcpy(copy, f.bytes, f.cap);
    while (at <= calls) { /* until no call fails */
        flaky k;
        plain p;
        memset(&k, 0, sizeof k);
        memset(&p, 0, sizeof p);
        kit_at("call %" PRIu64, at);
        memcpy(f.bytes, copy, f.cap);
        f.size = size;
        f.locked = 0;
        p.d.append = 1;
        p.io = flaky_io(&k, &f);
        k.fail_at = at;
        if (plain_open(&p, &f, TELEM_FILE_SYNC_NONE) == TELEM_OK) CHECK_OK(telem_file_writer_close(&p.w));
        else refused++;
        calls = k.calls + (k.calls >= at++); /* did it fail? */
        free(p.memory);
        f.locked = 0;
        plain_read(&f, &rows, &missing, &damage);
        CHECK_EQ_INT(rows, 40);
        CHECK_EQ_INT(missing + damage, 0);
    }
    CHECK(refused > 20);
    free(copy);
    free(f.bytes);
}

TEST(reading_behind_an_io_that_fails_once_misses_no_row) {
    shared_file f;
    uint64_t at = 1, calls = 1, told = 0;
    killed_file(&f);
    while (at <= calls) { /* until no call fails */
        flaky k;
        telem_io io;
        telem_file_reader r;
        telem_file_reader_desc d;
        telem_file_item item;
        telem_result e;
        uint64_t rows = 0, others = 0, errors = 0;
        memset(&k, 0, sizeof k);
        memset(&d, 0, sizeof d);
        kit_at("call %" PRIu64, at);
        io = flaky_io(&k, &f);
        k.fail_at = at;
        d.io = &io;
        d.memory_size = 8u << 20;
        d.memory = kit_alloc(d.memory_size);
        e = telem_file_reader_open(&r, &d);
        if (e == TELEM_OK) e = telem_file_reader_finish(&r);
        while (e == TELEM_OK) {
            e = telem_file_next(&r, &item);
            if (e == TELEM_ERR_IO && ++errors == 1) e = TELEM_OK;
            else if (e == TELEM_OK) {
                rows += item.kind == TELEM_ITEM_ROW;
                others += item.kind == TELEM_ITEM_MISSING || item.kind == TELEM_ITEM_DAMAGE;
            }
        }
        calls = k.calls + (k.calls >= at++); /* did it fail? */
        if (e == TELEM_END) {
            CHECK_EQ_INT(rows, 40);
            CHECK_EQ_INT(others, 0);
            CHECK(errors <= 1);
            told += errors;
        } else CHECK_EQ_INT(e, TELEM_ERR_IO); /* the open's own */
        free(d.memory);
    }
    CHECK(told > 5);
    free(f.bytes);
}

/* A header that allows blocks too small for a row of the zone (its check holds). */
TEST(append_refuses_blocks_that_hold_no_row) {
    shared_file f;
    plain p;
    uint64_t rows, missing, damage;
    killed_file(&f);
    telem_put32(f.bytes + 36, 256);
    telem_put32(f.bytes + 4092, XXH32(f.bytes, 4092, 0));
    memset(&p, 0, sizeof p);
    p.d.append = 1;
    p.d.max_block = 256;
    p.d.coding = TELEM_FILE_ROWS;
    CHECK_EQ_INT(plain_open(&p, &f, TELEM_FILE_SYNC_NONE), TELEM_ERR_CORRUPT);
    free(p.memory);
    plain_read(&f, &rows, &missing, &damage);
    CHECK_EQ_INT(rows, 40);
    free(f.bytes);
}

#define BROAD_TABLE(F) F(ARRAY, u64, many, 20, "", "")
TELEM_DEFINE(Broad, BROAD_TABLE, "");

/* Writes and syncs that fail now and then. */
static unsigned fails_in;
static uint64_t fails_rng;
static int64_t trouble_write(void *user, const void *p, size_t n) {
    if (fails_in && kit_one_in(&fails_rng, fails_in)) {
        if (n > 1 && kit_one_in(&fails_rng, 2)) return shared_write(user, p, n / 2); /* a part; then it says why */
        return TELEM_ERR_SPACE;
    }
    return shared_write(user, p, n);
}
static telem_result trouble_sync(void *user) {
    return fails_in && kit_one_in(&fails_rng, fails_in) ? TELEM_ERR_IO : shared_sync(user);
}
static telem_result trouble_sync_map(void *user, void *p, size_t n) {
    return fails_in && kit_one_in(&fails_rng, fails_in) ? TELEM_ERR_IO : shared_sync_map(user, p, n);
}

/* What each row's call answered against what a reader finds: rows by their number. */
static void answers_of_one_life(uint64_t rng, uint32_t *unsynced, uint32_t *refused) {
    static uint8_t taken[1200];
    shared_file f;
    plain p;
    handle h;
    telem_io io;
    telem_file_reader r;
    telem_file_reader_desc rd;
    telem_file_item item;
    uint32_t n = 100u + kit_below(&rng, 1000), i, in = 0, told = 0;
    uint8_t sync = (uint8_t)kit_below(&rng, 4);
    telem_result e;
    shared_init(&f, 4u << 20);
    memset(&p, 0, sizeof p);
    p.io = shared_io(&p.h, &f);
    p.io.write = trouble_write;
    p.io.sync = trouble_sync;
    p.io.sync_map = trouble_sync_map;
    p.d.coding = (uint8_t)(1u + kit_below(&rng, 3));
    p.d.pace = (uint8_t)kit_below(&rng, 2);
    p.d.journal = (uint8_t)kit_below(&rng, 2);
    p.d.journal_slots = 2;
    p.d.journal_slot_bytes = 64u * (4u + kit_below(&rng, 60));
    p.d.block_rows = 4u + kit_below(&rng, 28);
    p.d.sync_ns = 5;
    p.d.max_age_ns = UINT64_MAX;
    fails_in = 0;
    fails_rng = check_rand(&rng);
    REQUIRE_OK(plain_open(&p, &f, sync));
    fails_in = 3u + kit_below(&rng, 60);
    for (i = 0; i < n; i++) {
        CHECK_EQ_INT(telem_file_next_row(&p.w, 1), i);
        e = plain_row(&p, kit_one_in(&rng, 3) ? i : 7);
        taken[i] = e == TELEM_OK || e == TELEM_ERR_UNSYNCED;
        if (e == TELEM_ERR_UNSYNCED) CHECK(sync == TELEM_FILE_SYNC_ROW);
        *unsynced += e == TELEM_ERR_UNSYNCED;
        *refused += !taken[i];
        if (!taken[i]) told++;
        if (kit_one_in(&rng, 20)) (void)telem_file_writer_poll(&p.w, 0, i);
        if (e != TELEM_OK && kit_one_in(&rng, 3)) (void)telem_file_writer_clear(&p.w);
    }
    fails_in = 0;
    CHECK_OK(telem_file_writer_clear(&p.w));
    CHECK(telem_file_writer_get_stats(&p.w).lost >= told);
    CHECK_OK(telem_file_writer_close(&p.w));
    memset(&rd, 0, sizeof rd);
    io = shared_io(&h, &f);
    rd.io = &io;
    rd.memory_size = (size_t)8 << 20;
    rd.memory = kit_alloc(rd.memory_size);
    REQUIRE_OK(telem_file_reader_open(&r, &rd));
    while ((e = telem_file_next(&r, &item)) == TELEM_OK) {
        if (item.kind != TELEM_ITEM_ROW) continue;
        in++;
        CHECK(item.row < n && taken[item.row]);
    }
    CHECK_EQ_INT(e, TELEM_END);
    CHECK(in <= n - told && in >= n - telem_file_writer_get_stats(&p.w).lost);
    free(rd.memory);
    free(p.memory);
    free(f.bytes);
}
TEST(error_of_a_row_means_that_it_is_not_in) {
    uint64_t rng = kit_seed(77);
    uint32_t i, rounds = check_quick() ? 60 : 600, unsynced = 0, refused = 0;
    for (i = 0; i < rounds && !check_g.bad; i++) {
        kit_at("round %u, state %llu", (unsigned)i, (unsigned long long)rng);
        answers_of_one_life(rng, &unsynced, &refused);
        (void)check_rand(&rng);
    }
    CHECK(unsynced > 0 && refused > 0);
}

/* Whoever goes on with a file keeps to what its header says. */
TEST(append_keeps_to_the_files_limits) {
    uint32_t way;
    for (way = 0; way < 6; way++) {
        uint8_t coding = (uint8_t)(TELEM_FILE_ROWS + way % 3);
        size_t half;
        shared_file f;
        plain p;
        telem_file_stream_desc sd;
        uint64_t rows, missing, damage;
        uint32_t i;
        shared_init(&f, 4u << 20);
        memset(&p, 0, sizeof p);
        p.d.coding = coding;
        p.d.max_block = way < 3 ? 4096 : 65536;
        p.d.max_row = 64;
        REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE));
        for (i = 0; i < 7000; i++) CHECK_OK(plain_row(&p, i * 7919u));
        CHECK_OK(telem_file_writer_close(&p.w));
        half = f.size;
        free(p.memory);
        memset(&p, 0, sizeof p);
        p.d.coding = coding;
        p.d.append = 1;
        p.spare = 2;
        REQUIRE_OK(plain_open(&p, &f, TELEM_FILE_SYNC_NONE)); /* max_block is 1 MiB, max_row 128 KiB */
        CHECK_EQ_INT(p.w.desc.max_block, way < 3 ? 4096 : 65536);
        CHECK_EQ_INT(p.w.desc.max_row, 64);
        for (i = 7000; i < 14000; i++) CHECK_OK(plain_row(&p, i * 7919u));
        memset(&sd, 0, sizeof sd);
        sd.id = 2;
        sd.schema = &Broad_schema;
        CHECK_EQ_INT(telem_file_add_stream(&p.w, &sd), TELEM_ERR_LIMIT);
        CHECK_OK(telem_file_writer_close(&p.w));
        free(p.memory);
        plain_read(&f, &rows, &missing, &damage); /* refuses a block above max_block */
        CHECK_EQ_INT(rows, 14000);
        CHECK_EQ_INT(missing + damage, 0);
        CHECK(f.size < 2 * half + half / 5); /* the index goes on, too: no block is a key for want of it */
        free(f.bytes);
    }
}

int main(void) {
    RUN(error_of_a_row_means_that_it_is_not_in);
    RUN(append_keeps_to_the_files_limits);
    RUN(row_is_in_the_file_when_write_returns);
    RUN(follower_sees_every_row_once);
    RUN(damaged_zone_delivers_no_wrong_row);
    RUN(zone_mends_damaged_blocks);
    RUN(synced_rows_survive_a_power_cut);
    RUN(append_after_a_power_cut);
    RUN(append_makes_nothing_unreadable);
    RUN(zone_has_the_bytes_of_section_12);
    RUN(plain_where_the_io_cannot_map);
    RUN(sync_policies_sync_when_they_say);
    RUN(append_leaves_a_short_file_of_others_alone);
    RUN(second_writer_is_refused);
    RUN(rows_behind_a_rotation_repeat_nothing_before_it);
    RUN(full_disk_is_told_and_cleared);
    RUN(failed_sync_of_a_slot_costs_its_row_only);
    RUN(failed_sync_within_a_block_leaves_it_whole);
    RUN(append_cuts_no_block_that_the_zone_cannot_replace);
    RUN(damaged_number_of_a_slot_costs_that_slot_only);
    RUN(follower_goes_on_behind_a_damaged_slot);
    RUN(append_overwrites_nothing_of_value);
    RUN(append_refuses_row_numbers_without_end);
    RUN(damaged_blocks_cost_no_walk_each);
    RUN(append_behind_an_io_that_fails_once_loses_no_row);
    RUN(reading_behind_an_io_that_fails_once_misses_no_row);
    RUN(append_refuses_blocks_that_hold_no_row);
    return CHECK_MAIN_END();
}
