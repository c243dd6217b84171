/* peek.h - what tests look at inside of telem_file.h: all in one place, so that they can be linked with
   tests/headers.c, which holds the bodies then. Include it behind telem_file.h. */
#ifndef PEEK_H
#define PEEK_H
#if defined(TEST_LINKED) || defined(TEST_HEADERS)
#define PEEK
#else
#define PEEK TELEM_UNUSED static
#endif

PEEK uint64_t peek_start_row(const telem_file_writer *w, uint32_t id); /* of the file that is written */
PEEK uint64_t peek_sealed_row(const telem_file_writer *w, uint32_t id); /* those before it stand in a block */
PEEK void poke_next_row(telem_file_writer *w, uint32_t id, uint64_t row); /* behind a flush */
PEEK int peek_zone_is_over(const telem_file_writer *w);                /* the journal's zone has begun anew */
PEEK int peek_column_step(const telem_file_writer *w, uint32_t *number); /* SPREAD is at this column */
PEEK int peek_block_half_written(const telem_file_writer *w);
PEEK uint32_t peek_write_piece(void);
PEEK void peek_feed_file(char *to, const char *feed, uint64_t number); /* the name of a feed's file */
/* What a feed does with its writer when it goes on to another file. */
PEEK telem_result peek_rotate(telem_file_writer *w, telem_io *next, uint32_t file_seq, uint64_t session);
/* A hash fed in two parts, its state anywhere in memory of so many bytes that is 64-aligned, against the whole. */
PEEK size_t peek_hash_bytes(void);
PEEK int peek_hash_agrees(void *memory, uint8_t payload_hash, uint32_t seed, const uint8_t *p, size_t n);
/* The bits of the codecs and of the form of a block of columns are set. Returns 0 when its head does not parse. */
PEEK int peek_codecs(uint64_t session, const uint8_t *p, size_t n, uint32_t columns, uint64_t rows, uint64_t *codecs, uint64_t *forms);

#if !defined(TEST_LINKED)
PEEK uint64_t peek_start_row(const telem_file_writer *w, uint32_t id) { return telem_i_file_find_stream(w, id)->start_row; }
PEEK uint64_t peek_sealed_row(const telem_file_writer *w, uint32_t id) { return telem_i_file_find_stream(w, id)->sealed_row; }
PEEK void poke_next_row(telem_file_writer *w, uint32_t id, uint64_t row) {
    telem_i_file_find_stream(w, id)->next_row = row;
    telem_i_file_find_stream(w, id)->need_key = 1;
}
PEEK int peek_zone_is_over(const telem_file_writer *w) { return w->zone->generation >= w->zone->slots; }
PEEK int peek_column_step(const telem_file_writer *w, uint32_t *number) {
    *number = w->columns->job->number;
    return w->columns->job->phase == TELEM_I_FILE_JOB_COLUMN;
}
PEEK int peek_block_half_written(const telem_file_writer *w) {
    return w->columns->job->phase == TELEM_I_FILE_JOB_WRITE && w->columns->job->frame.done != 0;
}
PEEK uint32_t peek_write_piece(void) { return TELEM_I_FILE_WRITE_PIECE; }
PEEK void peek_feed_file(char *to, const char *feed, uint64_t number) { telem_i_file_feed_numbered(to, feed, (uint32_t)number); }

PEEK telem_result peek_rotate(telem_file_writer *w, telem_io *next, uint32_t file_seq, uint64_t session) {
    telem_i_file_rotation k;
    uint8_t unsynced;
    telem_result r;
    memset(&k, 0, sizeof k);
    r = telem_i_file_rotate_end(w, &k, &unsynced);
    if (r < 0) return r;
    r = telem_i_file_rotate_begin(w, next, file_seq, session, 0, &k);
    if (r >= 0) telem_i_file_rotate_zone_end(w, &k);
    return r;
}

PEEK size_t peek_hash_bytes(void) { return sizeof(telem_i_file_hash); }
PEEK int peek_hash_agrees(void *memory, uint8_t payload_hash, uint32_t seed, const uint8_t *p, size_t n) {
    telem_i_file_hash *h = (telem_i_file_hash *)memory;
    telem_i_file_framing f;
    telem_i_file_framing_init(&f, 7, TELEM_FILE_DISK, 8, payload_hash);
    telem_i_file_hash_begin(h, f.payload_hash, seed);
    telem_i_file_hash_add(h, p, n / 3u);
    telem_i_file_hash_add(h, p + n / 3u, n - n / 3u);
    return telem_i_file_hash_end(h) == telem_i_file_payload_hash(&f, p, n, seed);
}

PEEK int peek_codecs(uint64_t session, const uint8_t *p, size_t n, uint32_t columns, uint64_t rows, uint64_t *codecs, uint64_t *forms) {
    telem_i_file_framing f;
    telem_i_file_chead head;
    telem_i_file_centry e[TELEM_I_FILE_SECTION];
    uint32_t k, first;
    telem_i_file_framing_init(&f, session, 0, 8, 2);
    if (telem_i_file_take_head(&head, &f, p, n, n, columns, (uint32_t)rows) != 1) return 0;
    *forms |= head.form;
    while (head.taken < columns) {
        first = head.taken;
        if (!telem_i_file_take_section(&head, e)) return 0;
        for (k = 0; k < head.taken - first; k++)
            if (e[k].coded) *codecs |= (uint64_t)1 << (e[k].codec & 63u);
    }
    return 1;
}
#endif /* TEST_LINKED */
#endif
