/* fuzz_shm.c - telem_shm.h whose shared bytes an enemy writes while a reader and a writer use them. The
   input is a list of orders: calls, and patches to the data and control objects; a third of the patches
   is kept back and applied in the middle of the calls that follow (behind any store into the segment).
   Calls may fail, frames may be wrong, but nothing is read or written outside of the two objects (their
   exact size is allocated), and every call returns. */
#define _POSIX_C_SOURCE 200809L
static void enemy(void);
#define TELEM_I_SHM_POINT() enemy()
#define TELEM_IMPLEMENTATION
#include "telem_shm.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct patch {
    uint32_t at;
    uint8_t control, width;
    uint64_t value;
} patch;

static telem_shm shm, again;
static telem_shm_writer w, w2;
static telem_shm_reader rd, rd2;
static telem_shm_desc desc;
static const uint8_t *input, *input_end;
static patch kept[16];
static uint32_t kept_n, countdown, gentle;
static uint64_t touched;

static uint8_t byte(void) { return input < input_end ? *input++ : 0; }
static uint32_t number16(void) {
    uint32_t a = byte();
    return a | (uint32_t)byte() << 8;
}

static void apply(const patch *p) {
    uint8_t *base = p->control ? (uint8_t *)desc.control_memory : (uint8_t *)desc.memory;
    size_t n = p->control ? desc.control_size : desc.memory_size, at = p->at % n, i;
    for (i = 0; i < p->width && at + i < n; i++) base[at + i] = (uint8_t)(p->value >> 8 * i);
}
static void enemy(void) {
    if (gentle || kept_n == 0 || countdown-- > 0) return;
    countdown = 3;
    apply(&kept[--kept_n]);
}

/* Values that are likely to hurt, besides any. */
static uint64_t value_of(uint8_t kind) {
    switch (kind % 8) {
    case 0: return UINT64_MAX;
    case 1: return (uint64_t)1 << byte() % 64;
    case 2: return byte();
    case 5: return number16() & 0x7FFu; /* a length */
    case 3: return TELEM_LOAD64_RELAXED(telem_i_shm_desc_at(&shm, byte())) + (uint64_t)(byte() % 8) - 3u;
    case 4: return telem_i_shm_word(w.next - byte() % 16u, byte() % 4u, byte(), number16());
    default:
        return (uint64_t)number16() | (uint64_t)number16() << 16 | (uint64_t)number16() << 32 |
               (uint64_t)number16() << 48;
    }
}
/* Where it hurts: a word of a structure that somebody believes in. */
static void aim(patch *p) {
    const telem_i_shm_fixed *g = &shm.g;
    uint32_t a = byte(), b = byte();
    p->control = 0;
    switch (byte() % 7) {
    case 0: p->at = g->ring_at + a % g->frames * g->stride + b % 8u * 8u; break;
    case 1: p->at = g->directory_at + (a & 1u ? b % 8u * 4u : b * 4u); break;
    case 2: p->at = g->slots_at + (g->slots ? a % g->slots * 8u : 0); break;
    case 3: p->at = 256u + b % 32u * 8u; break;
    case 4:
        p->control = 1, p->at = g->rings_at + a % 3u * (128u + g->control_ring) +
                                (b & 1u ? b % 3u * 64u : 128u + b % 33u * 8u);
        break;
    case 5: p->control = 1, p->at = g->pins_at + (g->slots ? a % g->slots * 8u : 0); break;
    default: p->control = 1, p->at = 64u + a % 64u * 8u; break;
    }
}
static void patch_order(uint8_t kind) {
    patch p;
    p.control = kind & 1;
    p.width = (uint8_t)(1u << (kind >> 1 & 3));
    if (kind & 16) aim(&p);
    else p.at = number16() * (kind & 32 ? 8u : 1u);
    p.value = value_of(byte());
    if (kind & 64 && kept_n < 16) kept[kept_n++] = p;
    else apply(&p);
}

static void touch(const void *p, uint64_t n) {
    const uint8_t *b = (const uint8_t *)p;
    while (n--) touched += *b++;
}
static void use(telem_shm_reader *r, telem_shm_frame *f, uint8_t how) {
    static uint8_t copy[5000];
    static uint8_t whole[20000];
    static telem_shm_gather g;
    touch(f->data, f->len);
    (void)telem_shm_valid(r, f);
    if (how & 1) (void)telem_shm_copy(r, f, copy, sizeof copy);
    if (how & 2 && telem_shm_pin(r, f) == TELEM_OK) {
        touch(f->data, f->len);
        if (how & 4) (void)telem_shm_unpin(r, f);
    }
    if (how & 8) (void)telem_shm_verify(r, f);
    if (how & 16 && f->stream == TELEM_SHM_PARTS && f->len <= sizeof copy &&
        telem_shm_copy(r, f, copy, sizeof copy) == TELEM_OK) {
        telem_shm_part part;
        uint64_t at = 0;
        while (telem_shm_part_next(copy, f->len, &at, &part) == TELEM_OK) touch(part.data, part.size);
    }
    g.buf = whole, g.cap = sizeof whole;
    if (f->flags & TELEM_SHM_CHUNK && telem_shm_gather_add(&g, r, f) == TELEM_OK) touch(whole, g.total);
}

static void directory(void) {
    static uint64_t buf[400];
    telem_shm_entry e;
    uint32_t at = 0, budget = 200;
    telem_result r;
    while (budget-- && (r = telem_shm_entry_next(&shm, &at, &e, buf, sizeof buf)) == TELEM_OK) {
        touch(e.name, strlen(e.name));
        touch(e.value, e.value_bytes);
        touch(e.extra, e.extra_bytes);
        (void)telem_schema_decode_bytes(e.value, e.value_bytes, NULL);
    }
    (void)telem_shm_stream_find(&shm, byte(), &e, buf, sizeof buf);
}

static void inspect(void) {
    telem_shm_segment s;
    telem_shm_class_info c;
    telem_shm_writer_info x;
    telem_shm_reader_info r;
    uint32_t i;
    (void)telem_shm_info(&shm, &s);
    for (i = 0; i < shm.g.classes; i++) (void)telem_shm_class_info_get(&shm, i, &c);
    for (i = 0; i < shm.g.writers; i++) (void)telem_shm_writer_info_get(&shm, i, &x);
    for (i = 0; i < shm.g.readers; i++) (void)telem_shm_reader_info_get(&shm, i, &r);
    (void)telem_shm_health(&rd);
}

static int some(void *user, uint32_t stream, int64_t time, const void *rec, uint32_t len) {
    (void)user, (void)stream;
    touch(rec, len);
    return time % 3 != 0;
}

static void order(uint8_t what) {
    static uint64_t room[600], words[9000 / 8];
    uint8_t *bytes = (uint8_t *)words;
    telem_shm_frame f;
    telem_shm_slot slot;
    telem_shm_message m;
    telem_shm_stream_desc sd = TELEM_ZERO;
    telem_shm_reader_desc d = TELEM_ZERO;
    telem_shm_attach_desc a = TELEM_ZERO;
    telem_shm_item items[5];
    telem_shm_frame frames[4];
    telem_shm_pairs p = TELEM_ZERO;
    uint32_t i;
    switch (what % 23) {
    case 0: (void)telem_shm_publish(&w, byte(), byte(), bytes, byte()); break;
    case 1: (void)telem_shm_publish(&w, TELEM_SHM_PARTS, byte(), bytes, number16() % sizeof words); break;
    case 2:
        if (telem_shm_begin(&w, number16() % 4000, &slot) != TELEM_OK) break;
        memset(slot.data, what, (size_t)slot.capacity);
        if (byte() % 2 || telem_shm_commit(&w, &slot, 1, byte(), slot.capacity) != TELEM_OK)
            (void)telem_shm_abort(&w, &slot);
        w.open = 0;
        w.scratch_open = 0;
        break;
    case 3:
    case 4:
    case 5:
        if (telem_shm_next(&rd, &f) == TELEM_OK) use(&rd, &f, byte());
        break;
    case 6:
        if (telem_shm_next(&rd2, &f) == TELEM_OK) use(&rd2, &f, byte());
        break;
    case 7:
        if (telem_shm_latest(&rd, &f) == TELEM_OK) use(&rd, &f, byte());
        break;
    case 8:
        if (telem_shm_find(&rd, byte(), byte() % 3u, &f) == TELEM_OK) use(&rd, &f, byte());
        break;
    case 9:
        if (telem_shm_get(&rd, rd.next + byte() - 128u, &f) == TELEM_OK) use(&rd, &f, byte());
        break;
    case 10: directory(); break;
    case 11:
        sd.id = byte(), sd.name = "stream", sd.extra = bytes, sd.extra_bytes = byte();
        (void)telem_shm_stream_add(&w, &sd);
        (void)telem_shm_meta_set(&w, "key", bytes, byte());
        break;
    case 12: (void)telem_shm_control_write(&rd, byte(), 1, bytes, byte()); break;
    case 13:
        if (telem_shm_control_read(&w, &m, bytes, sizeof words) == TELEM_OK) touch(bytes, m.len);
        break;
    case 14: inspect(); break;
    case 15:
        telem_shm_reader_deinit(&rd2);
        d.start = byte() % 3u, d.reliable = 0, d.verify = byte() % 2u;
        if (byte() % 2) d.filter = some, d.copy = room, d.copy_size = sizeof room;
        (void)telem_shm_reader_init(&rd2, &shm, &d);
        break;
    case 16:
        a.backing = TELEM_SHM_MEMORY, a.memory = desc.memory, a.memory_size = desc.memory_size;
        a.control_memory = desc.control_memory, a.control_size = desc.control_size;
        if (telem_shm_attach(&again, &a) == TELEM_OK) telem_shm_detach(&again);
        break;
    case 17:
        for (i = 0; i < 5; i++)
            items[i].stream = i, items[i].time = i, items[i].data = bytes, items[i].len = byte();
        (void)telem_shm_publish_batch(w2.shm ? &w2 : &w, items, 5, NULL);
        break;
    case 18:
        p.a = &rd, p.b = &rd2, p.within = byte(), p.as_of = byte() % 2u;
        (void)telem_shm_wait(&rd, 0);
        if (rd2.shm) (void)telem_shm_pairs_next(&p, &f, &f);
        break;
    case 19: /* as if the others had died: who sweeps believes none of what they left */
        if (byte() % 2) telem_i_shm_writer_sweep(&shm, byte() % shm.g.writers);
        else telem_i_shm_reader_sweep(&shm, byte() % shm.g.readers);
        break;
    case 20: /* a restarted owner */
        telem_i_shm_session(&shm);
        telem_i_shm_wake_all(&shm);
        break;
    case 21:
        if (telem_shm_read_batch(&rd, frames, 4, bytes, sizeof words) > 0)
            touch(frames[0].data, frames[0].len);
        break;
    default: (void)telem_shm_beat(&w); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    telem_shm_writer_desc wd = TELEM_ZERO;
    telem_shm_reader_desc d = TELEM_ZERO;
    uint64_t n = 0, m = 0;
    uint8_t shape;
    int orders = 400;
    input = data, input_end = data + size;
    kept_n = 0, countdown = 3, gentle = 1;
    shape = byte();
    memset(&desc, 0, sizeof desc);
    desc.backing = TELEM_SHM_MEMORY;
    desc.frames = 4u << (shape & 3);
    desc.writers = shape & 4 ? 3 : 1;
    desc.readers = 3;
    desc.pins = shape & 8 ? 1 : 0;
    desc.hash = shape & 16 ? 1 : 0;
    desc.control_ring = 256;
    desc.directory = 1024;
    desc.inline_bytes = shape & 32 ? 112 : 48;
    if (!(shape & 64)) {
        desc.classes[0].bytes = 256, desc.classes[0].count = 7;
        desc.classes[1].bytes = 4096, desc.classes[1].count = 8;
    }
    if (telem_shm_bytes(&desc, &n, &m) != TELEM_OK) return 0;
    desc.memory_size = (size_t)n, desc.control_size = (size_t)m;
    if (posix_memalign(&desc.memory, 64, desc.memory_size) != 0 ||
        posix_memalign(&desc.control_memory, 64, desc.control_size) != 0)
        abort();
    wd.refuse = 1;
    d.reliable = shape >> 7;
    if (telem_shm_create(&shm, &desc) != TELEM_OK || telem_shm_writer_init(&w, &shm, &wd) != TELEM_OK ||
        telem_shm_reader_init(&rd, &shm, &d) != TELEM_OK ||
        telem_shm_reader_init(&rd2, &shm, NULL) != TELEM_OK)
        abort();
    memset(&w2, 0, sizeof w2);
    if (desc.writers > 1 && telem_shm_writer_init(&w2, &shm, &wd) != TELEM_OK) abort();
    gentle = 0;
    while (input < input_end && orders-- > 0) {
        uint8_t what = byte();
        if (what & 128) patch_order(what);
        else order(what);
    }
    telem_shm_reader_deinit(&rd);
    telem_shm_reader_deinit(&rd2);
    w.open = w2.open = 0;
    (void)telem_shm_writer_deinit(&w);
    if (w2.shm) (void)telem_shm_writer_deinit(&w2);
    telem_shm_detach(&shm);
    free(desc.memory);
    free(desc.control_memory);
    return touched == 1;
}
