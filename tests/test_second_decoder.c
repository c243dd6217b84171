/* test_second_decoder.c - random files in every coding, and files whose payloads were changed behind good
   checks: telem_file.h and the decoder that was written from its manual alone (decoder.h) must deliver
   the same rows, and refuse the same blocks.  UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "file_kit.h"
#include "decoder.h"

#define READER_MEMORY (8u << 20)

typedef struct lines {
    char *text;
    size_t n, cap;
} lines;

static void lines_add(lines *l, const char *text, size_t n) {
    if (l->n + n + 1 > l->cap) {
        l->cap = 2 * (l->n + n) + 4096;
        l->text = (char *)realloc(l->text, l->cap);
        if (!l->text) abort();
    }
    memcpy(l->text + l->n, text, n);
    l->text[l->n += n] = 0;
}

/* Rows as decoder.h says them. */
static void read_rows(lines *l, const uint8_t *p, size_t n) {
    static const char digit[] = "0123456789abcdef";
    kit_file none;
    kit_reader r;
    telem_file_item item;
    memset(&none, 0, sizeof none);
    if (kit_read_memory(&r, &none, p, n, READER_MEMORY) == TELEM_OK) {
        while (telem_file_next(&r.r, &item) == TELEM_OK) {
            char head[100];
            uint32_t i;
            if (item.kind != TELEM_ITEM_ROW) continue;
            lines_add(l, head, (size_t)snprintf(head, sizeof head, "row %lu %" PRIu64 " %" PRId64 " ", (unsigned long)item.stream->id, item.row, item.time));
            for (i = 0; i < item.stream->row_size; i++) {
                char two[2];
                two[0] = digit[item.data[i] >> 4], two[1] = digit[item.data[i] & 15];
                lines_add(l, two, 2);
            }
            lines_add(l, "\n", 1);
        }
    }
    kit_reader_end(&r);
}

static void decode_rows(lines *l, const uint8_t *p, size_t n) {
    decoder d;
    const char *at, *end;
    decoder_run(&d, p, n, 0);
    for (at = d.text; at && (end = strchr(at, '\n')) != NULL; at = end + 1)
        if (strncmp(at, "row ", 4) == 0) lines_add(l, at, (size_t)(end - at) + 1);
    decoder_free(&d);
}

static size_t compare(const uint8_t *p, size_t n) {
    lines a = {NULL, 0, 0}, b = {NULL, 0, 0};
    size_t rows = 0, i;
    read_rows(&a, p, n);
    decode_rows(&b, p, n);
    for (i = 0; i < a.n; i++) rows += a.text[i] == '\n';
    if (a.n != b.n || (a.n && memcmp(a.text, b.text, a.n) != 0)) kit_fail("the two decoders differ: %lu and %lu bytes of rows", (unsigned long)a.n, (unsigned long)b.n);
    free(a.text), free(b.text);
    return rows;
}

TEST(both_read_the_same_rows) {
    uint64_t rng = kit_seed(1);
    int i, n = check_quick() ? 30 : 600;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        kit_random_file k;
        size_t rows = 0, want = 0;
        uint32_t s;
        kit_at("file %d, state %llu", i, (unsigned long long)rng);
        kit_make(&k, &rng, 1u + kit_below(&rng, 3), kit_below(&rng, 900), NULL);
        for (s = 0; s < k.file.count; s++) want += k.file.s[s].n;
        rows = compare(k.file.bytes, k.file.size);
        CHECK_EQ_INT(rows, want);
        kit_free_random(&k);
    }
}

/* Changes a byte or a few of a data block's payload, and makes its check good again. */
static int forge(kit_random_file *k, uint64_t *rng) {
    static kit_block b[2000];
    size_t count = kit_blocks(k->file.bytes, k->file.size, b, 2000), i, tries;
    kit_frame f = kit_frame_of(k->file.bytes);
    for (tries = 0; tries < 50; tries++) {
        const kit_block *x = &b[i = kit_below(rng, (uint32_t)count)];
        uint8_t type = x->kind & 0x1F, *p = k->file.bytes + x->offset + x->payload;
        uint32_t many = 1u + kit_below(rng, 3);
        if (type < TELEM_BLOCK_ROWS || type > TELEM_BLOCK_MINI || (x->kind & 0x20) || x->len == 0) continue;
        for (; many > 0; many--) {
            uint32_t at = kit_below(rng, (uint32_t)x->len);
            if (kit_one_in(rng, 2) && at > 40) at = kit_below(rng, 40); /* heads say more than values */
            p[at] = (uint8_t)(kit_one_in(rng, 2) ? p[at] ^ 1u << kit_below(rng, 8) : check_rand(rng) >> 56);
        }
        telem_put32(p + x->len, kit_payload_check(&f, p, (size_t)x->len, x->check));
        return 1;
    }
    return 0;
}

TEST(both_refuse_the_same_payloads) {
    uint64_t rng = kit_seed(2);
    int i, n = check_quick() ? 60 : 3000, forged = 0;
    for (i = 0; i < n && check_g.bad == 0; i++) {
        kit_random_file k;
        kit_at("forged file %d, state %llu", i, (unsigned long long)rng);
        kit_make(&k, &rng, 1, 20u + kit_below(&rng, 300), NULL);
        if (forge(&k, &rng)) {
            forged++;
            (void)compare(k.file.bytes, k.file.size);
        }
        kit_free_random(&k);
    }
    CHECK(forged > n / 4);
}

int main(void) {
    RUN(both_read_the_same_rows);
    RUN(both_refuse_the_same_payloads);
    return CHECK_MAIN_END();
}
