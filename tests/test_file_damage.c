/* test_file_damage.c - telem_file.h and bytes that were lost, doubled, moved and overwritten, files
   joined and mixed, wires joined in the middle. What must hold is always the same: no crash, no
   wrong row, no row delivered twice or told as missing and delivered, and delivered + missing =
   written when the end block survives.  UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#include "file_kit.h"

#define READER_MEMORY (400000u + (1u << 17))

static telem_file_writer_desc small_desc(uint8_t profile, uint64_t session) {
    telem_file_writer_desc d;
    memset(&d, 0, sizeof d);
    d.session = session;
    d.profile = profile;
    d.coding = KIT_CODING;
    d.max_block = 1u << 17;
    d.max_row = 1u << 16;
    d.max_streams = 8;
    d.block_bytes = 150;
    d.key_bytes = 400;
    d.key_rows = 4;
    d.index_blocks = 4;
    d.announce_ns = 40000000;
    d.sequence = 9; /* the streams may count on from another file */
    return d;
}

/* --- bytes --- */

typedef struct bytes {
    uint8_t *p;
    size_t n, cap;
} bytes;

static bytes copy_of(const uint8_t *p, size_t n) {
    bytes b;
    b.cap = 3 * n + 100;
    b.p = (uint8_t *)kit_alloc(b.cap);
    b.n = n;
    memcpy(b.p, p, n);
    return b;
}
static void erase(bytes *b, size_t at, size_t n) {
    memmove(b->p + at, b->p + at + n, b->n - at - n);
    b->n -= n;
}
static void insert(bytes *b, size_t at, const uint8_t *from, size_t n) {
    uint8_t *t = (uint8_t *)kit_alloc(n);
    if (n > b->cap - b->n) n = b->cap - b->n;
    memcpy(t, from, n);
    memmove(b->p + at + n, b->p + at, b->n - at);
    memcpy(b->p + at, t, n);
    b->n += n;
    free(t);
}

/* One piece of bad luck. */
static void hurt(bytes *b, uint64_t *rng) {
    size_t at = kit_below(rng, (uint32_t)b->n), n = 1u + kit_below(rng, kit_one_in(rng, 3) ? 300 : 20), to;
    uint8_t t[300];
    if (n > b->n - at) n = b->n - at;
    switch (kit_below(rng, 7)) {
    case 0: b->p[at] ^= (uint8_t)(1u + kit_below(rng, 255)); break;
    case 1: erase(b, at, n); break;
    case 2: insert(b, at, b->p + at, n); break; /* doubled */
    case 3: /* moved */
        memcpy(t, b->p + at, n);
        erase(b, at, n);
        to = kit_below(rng, (uint32_t)b->n + 1u);
        insert(b, to, t, n);
        break;
    case 4: memset(b->p + at, kit_one_in(rng, 2) ? 0 : 0xFF, n); break; /* as erased flash */
    case 5:
        for (; n; n--, at++) b->p[at] = (uint8_t)check_rand(rng);
        break;
    default: /* an old piece again */
        to = kit_below(rng, (uint32_t)b->n + 1u);
        memcpy(t, b->p + at, n);
        insert(b, to, t, n);
        break;
    }
}

/* Reads what is left of a file. The rows before the first one seen may be untold when the schema
   itself was lost, so the account is asked for only if all streams are known. */
static void read_hurt(kit_file *f, const bytes *b, int exact) {
    kit_reader r;
    uint8_t *whole = (uint8_t *)kit_alloc(b->n);
    memcpy(whole, b->p, b->n);
    if (kit_read_memory(&r, f, whole, b->n, READER_MEMORY) == TELEM_OK) {
        uint32_t i, known = 0;
        r.untold = 1;
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        for (i = 0; i < telem_file_reader_stream_count(&r.r); i++) known += telem_file_reader_stream(&r.r, i)->schema != NULL;
        if (exact && telem_file_reader_ended(&r.r) && known == f->count) kit_check_account(f);
    }
    kit_reader_end(&r);
    free(whole);
}

TEST(lost_doubled_and_moved_bytes_on_a_disk) {
    uint64_t rng = kit_seed(30);
    int i, j, n = check_quick() ? 20 : 300;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        kit_random_file k;
        telem_file_writer_desc d = small_desc(0, 5);
        uint64_t state = rng;
        kit_make(&k, &rng, 1u + kit_below(&rng, 3), 40u + kit_below(&rng, 150), &d);
        for (j = 0; j < 20 && check_g.bad == 0; j++) {
            bytes b = copy_of(k.file.bytes, k.file.size);
            uint32_t hits = 1u + kit_below(&rng, 4);
            kit_at("file %d, state %llu, try %d", i, (unsigned long long)state, j);
            while (hits-- && b.n) hurt(&b, &rng);
            read_hurt(&k.file, &b, 1);
            free(b.p);
        }
        kit_free_random(&k);
    }
}

/* In a file of a sequence rows may begin anywhere: an end block that comes before a stream's schema cannot tell what is
   missing of it. Whoever reads on is told with the schema. */
TEST(an_end_before_a_schema_is_remembered) {
    static kit_block blocks[100];
    uint64_t rng = kit_seed(39);
    int later;
    for (later = 0; later < 2; later++) {
        kit_random_file k;
        telem_file_writer_desc d = small_desc(0, 5);
        kit_reader r;
        size_t count, i, at = 0, end = 0, key = 0, schema = 0;
        uint8_t *p;
        kit_make(&k, &rng, 1, 60, &d);
        count = kit_blocks(k.file.bytes, k.file.size, blocks, 100);
        p = (uint8_t *)kit_alloc(k.file.size + 1000);
        for (i = 0; i < count; i++) {
            if (blocks[i].kind == TELEM_BLOCK_END) end = i;
            if (blocks[i].kind == TELEM_BLOCK_SCHEMA && !schema) schema = i;
            if ((blocks[i].kind & 0x5Fu) == (KIT_CODING == TELEM_FILE_MINI ? 0x40u | TELEM_BLOCK_MINI : 0x40u | TELEM_BLOCK_ROWS) && !key) key = i;
        }
        REQUIRE(end && schema && key);
        {
            size_t order[4];
            order[0] = 0, order[1] = end, order[2] = key, order[3] = schema;
            for (i = 0; i < 4; i++) {
                memcpy(p + at, k.file.bytes + blocks[order[i]].offset, blocks[order[i]].size);
                at += blocks[order[i]].size;
            }
        }
        if (later) at -= blocks[schema].size; /* never: the stream has no name, but rows that were written */
        REQUIRE_OK(kit_read_memory(&r, &k.file, p, at, READER_MEMORY));
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        CHECK(telem_file_reader_stream(&r.r, 0) != NULL);
        CHECK_EQ_INT(telem_file_reader_stream(&r.r, 0)->end_row, k.file.s[0].start_row + k.file.s[0].n);
        if (!later) kit_check_account(&k.file);
        kit_reader_end(&r);
        free(p);
        kit_free_random(&k);
    }
}

TEST(lost_doubled_and_moved_bytes_on_a_wire) {
    uint64_t rng = kit_seed(31);
    int i, j, n = check_quick() ? 20 : 300;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        kit_random_file k;
        telem_file_writer_desc d = small_desc(1, 5);
        uint64_t state = rng;
        kit_make(&k, &rng, 1u + kit_below(&rng, 3), 40u + kit_below(&rng, 150), &d);
        for (j = 0; j < 20 && check_g.bad == 0; j++) {
            bytes b = copy_of(k.file.bytes, k.file.size);
            uint32_t hits = 1u + kit_below(&rng, 8);
            kit_at("file %d, state %llu, try %d", i, (unsigned long long)state, j);
            while (hits-- && b.n) hurt(&b, &rng);
            read_hurt(&k.file, &b, 0); /* what came before the first block seen is not told */
            free(b.p);
        }
        kit_free_random(&k);
    }
}

/* --- sessions --- */

/* Two files one behind the other are a stream of two sessions. */
TEST(files_can_be_joined) {
    uint64_t rng = kit_seed(32);
    int i, n = check_quick() ? 10 : 60;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        kit_random_file x, y;
        telem_file_writer_desc dx = small_desc((uint8_t)(i & 1), 100), dy = small_desc((uint8_t)(i >> 1 & 1), 200);
        kit_reader r;
        bytes b;
        size_t cut;
        uint32_t j;
        kit_at("pair %d", i);
        kit_make(&x, &rng, 2, 100, &dx);
        kit_make(&y, &rng, 3, 100, &dy);
        cut = i % 3 ? x.file.size : kit_below(&rng, (uint32_t)x.file.size - 200) + 200; /* the first may be cut */
        b.p = (uint8_t *)kit_alloc(cut + y.file.size);
        memcpy(b.p, x.file.bytes, cut);
        memcpy(b.p + cut, y.file.bytes, y.file.size);
        b.n = cut + y.file.size;
        kit_reader_init(&r, &x.file, READER_MEMORY);
        r.files[r.file_count++] = &y.file;
        for (j = 0; j < y.file.count; j++) {
            y.file.s[j].delivered = y.file.s[j].missing = 0;
            y.file.s[j].next = y.file.s[j].start_row;
            if (y.file.s[j].n) memset(y.file.s[j].seen, KIT_UNSEEN, y.file.s[j].n);
        }
        r.io = telem_io_memory_view(&r.m, b.p, b.n);
        REQUIRE_OK(telem_file_reader_open(&r.r, &r.d));
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        CHECK_EQ_INT(r.items[TELEM_ITEM_SESSION], 2);
        if (i % 3) {
            kit_check_account(&x.file);
            CHECK_EQ_INT(kit_missing(&x.file), 0);
            CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], 0);
            CHECK_EQ_INT(r.items[TELEM_ITEM_END], 2);
        }
        CHECK_EQ_INT(kit_delivered(&y.file), kit_written(&y.file));
        CHECK_EQ_INT(kit_missing(&y.file), 0);
        CHECK(telem_file_reader_ended(&r.r));
        kit_reader_end(&r);
        free(b.p);
        kit_free_random(&x);
        kit_free_random(&y);
    }
}

/* A flash sector written over: behind the new session's bytes stand blocks of the old one. */
TEST(blocks_of_an_old_session_are_not_read) {
    uint64_t rng = kit_seed(33);
    int i, n = check_quick() ? 10 : 60;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        kit_random_file old, new;
        telem_file_writer_desc d = small_desc(0, 100);
        kit_reader r;
        size_t cut;
        uint8_t *p;
        kit_at("overwritten %d", i);
        kit_make(&old, &rng, 2, 300, &d);
        d.session = 200;
        kit_make(&new, &rng, 2, 60, &d);
        if (old.file.size > new.file.size + 200 && old.file.size < 65536u) { /* its header did not come again */
            cut = 104 + kit_below(&rng, (uint32_t)new.file.size - 103);
            p = (uint8_t *)kit_alloc(old.file.size);
            memcpy(p, old.file.bytes, old.file.size);
            memcpy(p, new.file.bytes, cut);
            REQUIRE_OK(kit_read_memory(&r, &new.file, p, old.file.size, READER_MEMORY));
            CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
            CHECK_EQ_INT(r.items[TELEM_ITEM_SESSION], 1);
            CHECK(r.items[TELEM_ITEM_DAMAGE] > 0);
            kit_reader_end(&r);
            free(p);
        }
        kit_free_random(&old);
        kit_free_random(&new);
    }
}

/* The same file twice, and every block twice: repeats are not delivered. */
TEST(repeats_are_ignored) {
    uint64_t rng = kit_seed(34);
    int i, n = check_quick() ? 10 : 40;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        static kit_block blocks[2000];
        kit_random_file k;
        telem_file_writer_desc d = small_desc((uint8_t)(i & 1), 100);
        kit_reader r;
        uint8_t *p;
        size_t at = 0, count, j;
        kit_at("twice %d", i);
        kit_make(&k, &rng, 2, 200, &d);
        p = (uint8_t *)kit_alloc(2 * k.file.size);
        count = kit_blocks(k.file.bytes, k.file.size, blocks, 2000);
        for (j = 0; j < count; j++) {
            memcpy(p + at, k.file.bytes + blocks[j].offset, blocks[j].size);
            memcpy(p + at + blocks[j].size, p + at, blocks[j].size);
            at += 2 * blocks[j].size;
        }
        REQUIRE_OK(kit_read_memory(&r, &k.file, p, at, READER_MEMORY));
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        CHECK_EQ_INT(kit_delivered(&k.file), kit_written(&k.file));
        CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], 0);
        for (j = TELEM_ITEM_LOSS; j <= TELEM_ITEM_ANNOTATION; j++) CHECK_EQ_INT(r.items[j], k.others[j]);
        CHECK_EQ_INT(r.items[TELEM_ITEM_STREAM], 2);
        kit_reader_end(&r);
        memcpy(p, k.file.bytes, k.file.size);
        memcpy(p + k.file.size, k.file.bytes, k.file.size);
        REQUIRE_OK(kit_read_memory(&r, &k.file, p, 2 * k.file.size, READER_MEMORY));
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        CHECK_EQ_INT(kit_delivered(&k.file), kit_written(&k.file));
        CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], 0);
        kit_reader_end(&r);
        free(p);
        kit_free_random(&k);
    }
}

/* Free space of either kind between any two blocks is no damage. */
TEST(free_space_is_not_damage) {
    uint64_t rng = kit_seed(35);
    static kit_block blocks[2000];
    kit_random_file k;
    telem_file_writer_desc d = small_desc(0, 100);
    kit_reader r;
    bytes b;
    size_t count, j, at = 0;
    kit_at("free space");
    kit_make(&k, &rng, 2, 200, &d);
    count = kit_blocks(k.file.bytes, k.file.size, blocks, 2000);
    b.cap = k.file.size + count * 700;
    b.p = (uint8_t *)kit_alloc(b.cap);
    for (j = 0; j < count; j++) {
        size_t n = kit_below(&rng, 600);
        memcpy(b.p + at, k.file.bytes + blocks[j].offset, blocks[j].size);
        at += blocks[j].size;
        memset(b.p + at, j % 2 ? 0xFF : 0, n);
        at += n;
    }
    REQUIRE_OK(kit_read_memory(&r, &k.file, b.p, at, READER_MEMORY));
    CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
    CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], 0);
    CHECK_EQ_INT(kit_delivered(&k.file), kit_written(&k.file));
    CHECK(telem_file_reader_ended(&r.r));
    kit_reader_end(&r);
    free(b.p);
    kit_free_random(&k);
}

/* --- a wire --- */

/* A reader that joins at any byte gets right rows after the next announcement. */
TEST(a_wire_is_joined_at_any_byte) {
    uint64_t rng = kit_seed(36);
    kit_random_file k;
    telem_file_writer_desc d = small_desc(1, 7);
    size_t from, joined = 0, last;
    kit_make(&k, &rng, 1, 1500, &d);
    last = k.file.size - 400;
    for (from = 0; from < last && check_g.bad == 0; from += check_quick() ? 401 : 13) {
        kit_reader r;
        telem_result e;
        kit_at("joined at %lu of %lu", (unsigned long)from, (unsigned long)k.file.size);
        e = kit_read_memory(&r, &k.file, k.file.bytes + from, k.file.size - from, READER_MEMORY);
        if (e == TELEM_OK) {
            joined++;
            r.untold = 1;
            CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
            CHECK_EQ_INT(kit_missing(&k.file), 0); /* what was before is not missing */
        } else {
            CHECK(e == TELEM_ERR_CORRUPT || e == TELEM_ERR_TRUNCATED); /* behind the last announcement */
        }
        kit_reader_end(&r);
    }
    CHECK(joined > 0);
    kit_free_random(&k);
}

/* --- hostile memory of the reader's input --- */

TEST(garbage_is_not_a_stream) {
    uint64_t rng = kit_seed(37);
    int i;
    for (i = 0; i < (check_quick() ? 20 : 400); i++) {
        kit_file none;
        kit_reader r;
        size_t n = kit_below(&rng, 5000), j;
        uint8_t *p = (uint8_t *)kit_alloc(n);
        telem_result e;
        memset(&none, 0, sizeof none);
        for (j = 0; j < n; j++) p[j] = kit_one_in(&rng, 5) ? 0x89 : kit_one_in(&rng, 5) ? 0xD7 : (uint8_t)check_rand(&rng);
        e = kit_read_memory(&r, &none, p, n, 20000);
        CHECK(e == TELEM_ERR_CORRUPT || e == TELEM_ERR_TRUNCATED);
        CHECK(telem_file_reader_error(&r.r).what != NULL);
        kit_reader_end(&r);
        free(p);
    }
}

/* What looks like another session's header is hashed before it is one. Where it stands every few bytes that would cost
   a hundred times what reading does: with headers of 64 KB this took minutes. */
TEST(a_pattern_of_headers_costs_little) {
    static const uint16_t sizes[] = {104, 1024, 4096, 65528};
    uint64_t rng = kit_seed(40);
    uint32_t i, room = check_quick() ? 1u << 20 : 8u << 20;
    kit_random_file k;
    telem_file_writer_desc d = small_desc(0, 7);
    uint8_t *p = (uint8_t *)kit_alloc(room);
    kit_make(&k, &rng, 1, 100, &d);
    for (i = 0; i < 4; i++) {
        kit_reader r;
        telem_file_totals totals;
        size_t at, n = k.file.size;
        memcpy(p, k.file.bytes, n);
        memset(p + n, 0x55, room - n);
        for (at = n; at + 24 <= room; at += 24) {
            memcpy(p + at, k.file.bytes, 24);
            telem_put16(p + at + 10, sizes[i]);
            p[at + 16] ^= 1; /* another session */
        }
        REQUIRE_OK(kit_read_memory(&r, &k.file, p, room, READER_MEMORY));
        CHECK_EQ_INT(telem_file_reader_scan(&r.r, &totals, 1), 1);
        CHECK_EQ_INT(totals.rows, k.file.s[0].n);
        CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
        CHECK_EQ_INT(kit_delivered(&k.file), kit_written(&k.file));
        kit_reader_end(&r);
    }
    free(p);
    kit_free_random(&k);
}

/* Bytes before the first header are damage, not the end. */
TEST(a_header_behind_garbage_is_found) {
    uint64_t rng = kit_seed(38);
    kit_random_file k;
    telem_file_writer_desc d = small_desc(0, 7);
    kit_reader r;
    uint8_t *p;
    kit_at("garbage before");
    kit_make(&k, &rng, 1, 100, &d);
    p = (uint8_t *)kit_alloc(k.file.size + 1000);
    memset(p, 'x', 1000);
    memcpy(p + 1000, k.file.bytes, k.file.size);
    REQUIRE_OK(kit_read_memory(&r, &k.file, p, k.file.size + 1000, READER_MEMORY));
    CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
    CHECK_EQ_INT(r.damage.offset, 0);
    CHECK_EQ_INT(r.damage_bytes, 1000);
    CHECK_EQ_INT(kit_delivered(&k.file), kit_written(&k.file));
    kit_reader_end(&r);
    free(p);
    kit_free_random(&k);
}

int main(void) {
    RUN(lost_doubled_and_moved_bytes_on_a_disk);
    RUN(an_end_before_a_schema_is_remembered);
    RUN(lost_doubled_and_moved_bytes_on_a_wire);
    RUN(files_can_be_joined);
    RUN(blocks_of_an_old_session_are_not_read);
    RUN(repeats_are_ignored);
    RUN(free_space_is_not_damage);
    RUN(a_wire_is_joined_at_any_byte);
    RUN(garbage_is_not_a_stream);
    RUN(a_pattern_of_headers_costs_little);
    RUN(a_header_behind_garbage_is_found);
    return CHECK_MAIN_END();
}
