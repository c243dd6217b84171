/* scenario_power_cut.c - a recorder that loses its power again and again. It writes into an area of
   flash; the power goes at any byte; on the next start it looks through the area, begins a new
   session behind what is there and goes on. In the end everything is read: each session's whole
   blocks, row by row, and the damage where the power went, no more and no less.  UNIT: linked */
#define _POSIX_C_SOURCE 200809L
#include "file_kit.h"

#define AREA 40000u
#define SESSIONS 4u
#define SECTOR 256u

TELEM_LABELS(states, {0, "OFF"}, {1, "ON"});
#define SAMPLE_TABLE(F) F(COUNT, u32, n, "") F(FIELD, f32, volts, "V", "") F(ENUM, u8, state, states, "") F(OPT, i16, temp, "degC", "")
TELEM_DEFINE(Sample, SAMPLE_TABLE, "");

/* Flash with a supply that ends after `left` more bytes. */
typedef struct flash {
    uint8_t *bytes;
    size_t at, left;
} flash;

static int64_t flash_write(void *user, const void *p, size_t n) {
    flash *f = (flash *)user;
    size_t part = n < f->left ? n : f->left;
    memcpy(f->bytes + f->at, p, part);
    f->at += part;
    f->left -= part;
    return (int64_t)n; /* the program never hears of what the flash did not get */
}

static void write_samples(kit_writer *w, kit_file *f, uint32_t rows) {
    uint32_t i;
    for (i = 0; i < rows; i++) {
        uint8_t row[64];
        Sample s;
        memset(&s, 0, sizeof s);
        s.n = i;
        s.volts = 12.0f - (float)(i / 9) * 0.01f;
        s.state = (uint8_t)(i / 30 % 2);
        s.has_temp = (uint8_t)(i % 10 == 0);
        s.temp = (int16_t)(s.has_temp ? 20 + (int)i / 50 : 0);
        (void)telem_schema_pack(&Sample_schema, &s, row);
        (void)telem_file_write(&w->w, 1, (int64_t)i * 10000000, &s);
        kit_note_row(&f->s[0], (int64_t)i * 10000000, row);
        if (i % 40 == 39) (void)telem_file_writer_sync(&w->w);
    }
}

/* One life of the recorder, until the power goes; where it wrote. */
static size_t live(kit_file *f, flash *area, uint64_t session, size_t power) {
    telem_file_writer_desc d;
    kit_writer w;
    telem_io io;
    size_t begin = area->at;
    memset(&d, 0, sizeof d);
    d.coding = TELEM_FILE_ROWS;
    d.session = session;
    d.block_bytes = 200;
    d.key_bytes = 500;
    d.key_rows = 8;
    d.max_block = 4096;
    d.max_row = 256;
    d.max_streams = 2;
    d.index_blocks = 6;
    memset(&io, 0, sizeof io);
    io.user = area;
    io.write = flash_write;
    area->left = power;
    memset(f, 0, sizeof *f);
    (void)kit_add(f, 1, &Sample_schema, 0);
    CHECK_OK(kit_open(&w, f, &d, &io));
    CHECK_OK(kit_add_streams(&w, f));
    write_samples(&w, f, 300);
    CHECK_OK(kit_close(&w));
    return area->at - begin;
}

/* Rows in whole blocks of one life, and where the last of these ends. One that lacks only pad bytes
   is told as damage, but its rows are good: erased flash stands where the pad was to be. */
static uint64_t whole_rows(const uint8_t *p, size_t n, size_t *end, int *pad) {
    kit_frame frame;
    kit_block b;
    uint64_t rows = 0;
    *end = 0;
    *pad = 0;
    if (n < 104) return 0;
    frame = kit_frame_of(p);
    for (*end = 104; kit_get_block(&frame, p, n, *end, &b) && b.size <= n - *end; *end += b.size) rows += b.rows;
    *pad = kit_get_block(&frame, p, n, *end, &b) && b.payload + b.len + 4 <= n - *end;
    return *pad ? rows + b.rows : rows;
}

/* On the next start: behind the last byte that is not erased, at a sector's begin. */
static size_t first_free(const flash *area) {
    size_t at = AREA;
    while (at > 0 && area->bytes[at - 1] == 0xFF) at--;
    return (at + SECTOR - 1) / SECTOR * SECTOR;
}

static void cut_power(size_t first_cut) {
    kit_file lives[SESSIONS];
    uint64_t rows[SESSIONS];
    flash area;
    kit_reader r;
    uint32_t i, readable = 0;
    int torn = 0, pad;
    size_t cuts[SESSIONS], damaged = 0, begin, n, end;
    kit_at("first cut at %lu", (unsigned long)first_cut);
    area.bytes = (uint8_t *)kit_alloc(AREA);
    area.at = 0;
    memset(area.bytes, 0xFF, AREA);
    cuts[0] = first_cut;
    cuts[1] = first_cut * 7 % 3000;
    cuts[2] = 50 + first_cut % 100; /* inside the header, or just behind */
    cuts[3] = SIZE_MAX;
    for (i = 0; i < SESSIONS; i++) {
        begin = area.at = first_free(&area);
        n = live(&lives[i], &area, 1000 + i, cuts[i]);
        rows[i] = whole_rows(area.bytes + begin, n, &end, &pad);
        if (n >= 104) readable++;
        if (n > end && (n >= 104 || !torn)) damaged++; /* pieces without a good header between are one stretch */
        if (n > 0) torn = n > end && !pad;
    }
    kit_reader_init(&r, &lives[0], 65536);
    for (i = 1; i < SESSIONS; i++) {
        r.files[r.file_count++] = &lives[i];
        lives[i].s[0].next = 0;
    }
    r.io = telem_io_memory_view(&r.m, area.bytes, AREA);
    CHECK_OK(telem_file_reader_open(&r.r, &r.d));
    CHECK_EQ_INT(kit_read_all(&r), TELEM_END);
    CHECK_EQ_INT(r.items[TELEM_ITEM_SESSION], readable);
    CHECK_EQ_INT(r.items[TELEM_ITEM_DAMAGE], damaged);
    for (i = 0; i < SESSIONS; i++) {
        if (lives[i].s[0].delivered != rows[i])
            kit_fail("session %u: %lu rows, but %lu in whole blocks", (unsigned)i, (unsigned long)lives[i].s[0].delivered, (unsigned long)rows[i]);
        CHECK(lives[i].s[0].missing + rows[i] <= 300);
    }
    CHECK_EQ_INT(rows[SESSIONS - 1], 300);
    CHECK(telem_file_reader_ended(&r.r));
    kit_reader_end(&r);
    for (i = 0; i < SESSIONS; i++) kit_free_file(&lives[i]);
    free(area.bytes);
}

TEST(the_power_goes_at_every_byte) {
    size_t n;
    for (n = 0; n < 3500 && check_g.bad < 5; n += check_quick() ? 37 : n < 1200 ? 1 : 7) cut_power(n);
}

int main(void) {
    RUN(the_power_goes_at_every_byte);
    return CHECK_MAIN_END();
}
