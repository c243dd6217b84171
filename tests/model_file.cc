/* model_file.cc - threads around one writer of telem_file.h under a model checker (relacy): syncs in
   turn (>>journal-out, S1), the gate that a rotation shuts before syncs (G1), and the coding side that
   the writer's thread and telem_file_work hand to each other (>>pace, P1 P2 P3). As model_ring.cc:

     model_file                  some thousand schedules of each scenario
     MODEL=long model_file       100,000 of each, and all schedules with one switch of threads
     MODEL=mutants model_file    each atomic that they pass weakened must make a scenario fail
     model_file NAME [n [first]] n schedules of one scenario from number `first` on

   Defects in what is done with the atomics, not in their order: file_mutants.sh. What is owned is
   touched: by the ios below, and where the header says TELEM_I_FILE_MINE. */
#define MODEL_BYTES 8192
#include "model_run.h"

static void touch(const void *p);
#define TELEM_I_FILE_MINE(p) touch(p)

/* The ticket is drawn here: from now on at most one sync of each other thread comes first. */
static unsigned syncs_begun, drawn_at[4];
static uint32_t draw(uint32_t *p, uint32_t v, int weak) {
    uint32_t ticket = model_add<uint32_t>(p, v, weak);
    if (model_on) drawn_at[rl::ctx().threadx_->index_] = syncs_begun;
    return ticket;
}
#undef TELEM_FETCH_ADD32
#define TELEM_FETCH_ADD32(p, v) (model_on_line(__FUNCTION__, __LINE__), draw(p, v, MODEL_AT(MODEL_ADD)))

/* A failed sync is cleared by a relaxed store of 0 to what says so. */
static uint32_t *sync_failed;
static void forgive(void);
#undef TELEM_STORE32_RELAXED
#define TELEM_STORE32_RELAXED(p, v) \
    (model_on_line(__FUNCTION__, __LINE__), model_store<uint32_t>(p, v, rl::mo_relaxed, 0, __FUNCTION__, #p), (void)((p) == sync_failed && (v) == 0 && (forgive(), 1)))

#define TELEM_IMPLEMENTATION
#define TELEM_STATIC
#define TELEM_NO_STDIO
#define TELEM_NO_POSIX
#define TELEM_NO_LZ4
#define TELEM_FILE_NO_O3
#include "telem_file.h"

/* ---- what is owned, and by whom ---- */

static struct {
    const void *p;
    int owner;
    rl::timestamp_t when;
} owned[64];

static uint32_t *spare_word(void) { return (uint32_t *)&model_memory[0]; }

/* Others may run here, and what this thread does next is later than what it has released. */
static rl::timestamp_t now(void) {
    (void)model_load<uint32_t>(spare_word(), rl::mo_relaxed, 0);
    return rl::ctx().threadx_->own_acq_rel_order_;
}
static void touch(const void *p) {
    unsigned i = 0;
    if (!model_on) return;
    rl::timestamp_t when = now();
    while (owned[i].p && owned[i].p != p) i++;
    if (i + 1u == sizeof owned / sizeof owned[0]) abort();
    if (owned[i].p && !model_before(owned[i].owner, owned[i].when)) model_raced("(assertion: one owner at a time)\n");
    owned[i].p = p, owned[i].owner = rl::ctx().threadx_->index_, owned[i].when = when;
}

/* ---- a disk ---- */

struct disk {
    uint8_t bytes[8192];
    size_t size, durable;
    struct { /* good ones: up to where, by which thread, when it ended */
        size_t end;
        int by;
        rl::timestamp_t at;
    } syncs[64];
    unsigned sync_count;
    size_t ends[256]; /* of each write, and when it was */
    rl::timestamp_t times[256];
    unsigned writes;
    bool alive, syncing, broken; /* broken: a sync failed, and nobody cleared it */
    unsigned sync_fails, write_fails; /* one in so many; 0: none */
};
static disk disks[2];
static bool synced_well[4]; /* a sync that this thread asked for since it looked last */

static telem_file_writer *forgiving;
static void forgive(void) { /* the writer's thread was told of it: here only syncs answer so */
    RL_ASSERT(!model_on || forgiving->error.code == TELEM_ERR_IO);
    disks[0].broken = disks[1].broken = false;
}
static bool one_in(unsigned n) { return n && model_on && rl::ctx().is_random_sched() && rl::rand(n) == 0; }
static int thread_now(void) { return model_on ? (int)rl::ctx().threadx_->index_ : 0; }

/* Written to by the writer's thread and by telem_file_work: where the coding side is. */
static int64_t disk_write(void *user, const void *p, size_t n) {
    disk *d = (disk *)user;
    touch(&d->bytes);
    RL_ASSERT(d->alive && d->size + n <= sizeof d->bytes && d->writes < 256);
    if (one_in(d->write_fails)) return TELEM_ERR_SPACE;
    memcpy(d->bytes + d->size, p, n);
    d->size += n;
    d->ends[d->writes] = d->size;
    d->times[d->writes++] = model_on ? now() : 0;
    return (int64_t)n;
}
static int64_t disk_read(void *user, void *p, size_t n) {
    disk *d = (disk *)user;
    if (n > d->size - d->durable) n = d->size - d->durable; /* durable: where it stands, once all is written */
    memcpy(p, d->bytes + d->durable, n);
    d->durable += n;
    return (int64_t)n;
}
static unsigned writer_thread; /* whose writes a sync may count on */
static telem_result disk_sync(void *user) {
    disk *d = (disk *)user;
    unsigned i, ahead = syncs_begun - drawn_at[thread_now()];
    size_t covered = 0;
    touch(&d->syncing); /* one at a time, and behind the one before */
    RL_ASSERT(d->alive && !d->syncing);
    RL_ASSERT(!d->broken);
    RL_ASSERT(ahead <= 2u); /* of three threads; not for ever */
    syncs_begun++;
    for (i = 0; i < d->writes && (!model_on || model_before((int)writer_thread, d->times[i])); i++) covered = d->ends[i];
    d->syncing = true;
    (void)(model_on ? now() : 0);
    d->syncing = false;
    RL_ASSERT(d->alive);
    touch(&d->syncing);
    if (one_in(d->sync_fails)) {
        d->broken = true;
        return TELEM_ERR_IO;
    }
    if (d->durable < covered) d->durable = covered;
    RL_ASSERT(d->sync_count < 64);
    d->syncs[d->sync_count].end = covered, d->syncs[d->sync_count].by = thread_now();
    d->syncs[d->sync_count++].at = model_on ? now() : 0;
    synced_well[thread_now()] = true;
    return TELEM_OK;
}

/* ---- a writer ---- */

#define ONE_TABLE(F) F(FIELD, u32, n, "", "")
TELEM_DEFINE(One, ONE_TABLE, "");

static void others_run(void *user) {
    (void)user;
    if (model_on) rl::yield(1, MODEL_HERE);
}

struct recorder {
    telem_file_writer *w;
    telem_io io[2];
    telem_i_file_wzone zone;   /* no zone: only what asks for a sync before a slot is taken again */
    uint32_t sealed_at[1];
    uint32_t rows;
    uint32_t *stop;
    static uint64_t rest[(4u << 20) / 8];

    static bool random() { return rl::ctx().is_random_sched(); }

    void make(unsigned sync_fails, unsigned write_fails, uint8_t pace) {
        telem_file_writer_desc d = TELEM_ZERO;
        telem_file_stream_desc s = TELEM_ZERO;
        size_t at = 16 + (sizeof *w + 15u) / 16u * 16u;
        memset(disks, 0, sizeof disks);
        memset(owned, 0, sizeof owned);
        memset(synced_well, 0, sizeof synced_well);
        memset(model_memory, 0, sizeof model_memory);
        memset(drawn_at, 0, sizeof drawn_at);
        syncs_begun = 0, rows = 0, block_end = 0, writer_thread = 0;
        model_forget();
        model_rate = random() ? 1u << rl::rand(6) : 1;
        for (int i = 0; i < 2; i++) {
            memset(&io[i], 0, sizeof io[i]);
            io[i].user = &disks[i], io[i].write = disk_write, io[i].sync = disk_sync;
            disks[i].sync_fails = sync_fails, disks[i].write_fails = write_fails;
        }
        disks[0].alive = true;
        stop = (uint32_t *)&model_memory[1];
        w = (telem_file_writer *)(void *)((char *)model_memory + 16);
        sync_failed = &w->sync_failed, forgiving = w;
        d.io = &io[0], d.session = 5, d.created = 1, d.max_streams = 1, d.max_row = 64, d.max_block = 2048, d.block_rows = 4;
        d.sync = pace ? TELEM_FILE_SYNC_NONE : TELEM_FILE_SYNC_INTERVAL, d.wait = others_run, d.no_index = 1;
        d.coding = pace ? TELEM_FILE_COLUMNS : TELEM_FILE_ROWS, d.pace = pace, d.level = TELEM_FILE_FAST;
        d.memory = rest, d.memory_size = sizeof rest;
        s.id = 1, s.schema = &One_schema;
        if (telem_file_writer_bytes(&d) + telem_file_stream_bytes(&d, &s) > sizeof rest) abort();
        if (telem_file_writer_open(w, &d) != TELEM_OK) abort();
        if (w->columns) { /* its atomics, too, are modelled */
            telem_i_file_cshared *x = (telem_i_file_cshared *)(void *)((char *)model_memory + at);
            *x = *w->columns;
            w->columns = x;
            at += sizeof *x;
        }
        if (telem_file_add_stream(w, &s) != TELEM_OK || telem_file_writer_flush(w) != TELEM_OK) abort();
        memset(&zone, 0, sizeof zone);
        zone.sealed_at = sealed_at;
        w->zone = pace ? NULL : &zone;
        model_start(at);
    }
    telem_result row() {
        One one = {rows++};
        return telem_file_write(w, 1, (int64_t)rows * 1000, &one);
    }
    void clear() { (void)telem_file_writer_clear(w); }
    /* Of any thread. */
    void sync() {
        int me = thread_now();
        synced_well[me] = false;
        telem_result r = telem_file_sync(w);
        RL_ASSERT(r == TELEM_OK || r == TELEM_ERR_IO || r == TELEM_ERR_STATE);
        RL_ASSERT(r != TELEM_OK || synced_well[me]); /* a sync that nobody did is none */
        if (r == TELEM_OK) now();
    }
    /* A slot whose rows are in blocks up to here is taken again only when these are on the medium. */
    size_t block_end; /* of the latest block of rows */
    void flush() {
        uint32_t was = model_load<uint32_t>(&w->sealed, rl::mo_relaxed, 0);
        if (telem_file_writer_flush(w) == TELEM_OK && was != model_load<uint32_t>(&w->sealed, rl::mo_relaxed, 0)) block_end = disks[0].size;
    }
    void slot(const disk *d) {
        size_t size = block_end;
        sealed_at[0] = model_load<uint32_t>(&w->sealed, rl::mo_relaxed, 0);
        if (model_load<uint32_t>(&w->sync_failed, rl::mo_relaxed, 0) || w->error.code) return;
        if (rl::rand(2)) sync();
        if (telem_i_file_wants_sync(w, 0)) return;
        bool over = sealed_at[0] == 0; /* a sync that covers it, and does not go on any more */
        for (unsigned i = 0; i < d->sync_count; i++) over |= d->syncs[i].end >= size && model_before(d->syncs[i].by, d->syncs[i].at);
        RL_ASSERT(over);
    }
    /* What came to the disk is read, and all of it is right. */
    void check(disk *d, bool errors) {
        static uint64_t memory[(1u << 20) / 8];
        telem_file_reader r;
        telem_file_reader_desc rd = TELEM_ZERO;
        telem_file_item item;
        telem_io in = TELEM_ZERO;
        uint64_t next = 0, lost = 0;
        telem_result e;
        d->durable = 0;
        in.user = d, in.read = disk_read;
        rd.io = &in, rd.memory = memory, rd.memory_size = sizeof memory;
        RL_ASSERT(telem_file_reader_open(&r, &rd) == TELEM_OK);
        while ((e = telem_file_next(&r, &item)) == TELEM_OK) {
            if (item.kind == TELEM_ITEM_MISSING) lost += item.count;
            if (item.kind == TELEM_ITEM_DAMAGE) RL_ASSERT(errors);
            if (item.kind != TELEM_ITEM_ROW) continue;
            RL_ASSERT(item.row >= next && telem_get32(item.data) == item.row);
            next = item.row + 1;
        }
        RL_ASSERT(e == TELEM_END);
        RL_ASSERT(errors || (next == rows && lost == 0));
    }
};
uint64_t recorder::rest[(4u << 20) / 8];

/* Blocks of the writer's thread, and two that sync. */
struct syncs_in_turn : scenario {
    enum { threads = 3 };
    recorder k;
    void before() { k.make(0, 0, 0); }
    void thread(unsigned i) {
        for (int n = 0; n < 3; n++) {
            if (i) {
                k.sync();
                continue;
            }
            for (int rows = 0; rows < 4; rows++) RL_ASSERT(k.row() == TELEM_OK);
            k.flush();
            k.slot(&disks[0]);
        }
    }
    void after() { model_stop(); }
};

/* The same, and syncs fail; the writer clears that. */
struct syncs_that_fail : scenario {
    enum { threads = 3 };
    recorder k;
    void before() { k.make(3, 9, 0); }
    void thread(unsigned i) {
        for (int n = 0; n < 3; n++) {
            if (i) {
                k.sync();
                continue;
            }
            (void)k.row();
            k.flush();
            if (rl::rand(2)) (void)telem_file_writer_sync(k.w);
            if (rl::rand(2)) k.clear();
            k.slot(&disks[0]);
        }
    }
    void after() { model_stop(); }
};

/* The writer leaves its io for another one, as a rotation does, and closes in the end. */
struct io_goes : scenario {
    enum { threads = 3 };
    recorder k;
    void before() { k.make(0, 0, 0); }
    void leave(int from, int to) {
        telem_i_file_gate_shut(k.w);
        touch(&disks[from].syncing);
        disks[from].alive = false, disks[to].alive = true;
        disks[to].size = disks[to].writes = 0;
        k.w->desc.io = &k.io[to];
        touch(&disks[to].syncing);
        telem_i_file_gate_open(k.w);
    }
    void thread(unsigned i) {
        if (i) {
            for (int n = 0; n < 4; n++) k.sync();
            return;
        }
        for (int n = 0; n < 2; n++) {
            RL_ASSERT(k.row() == TELEM_OK);
            leave(n, !n);
        }
        RL_ASSERT(telem_file_writer_close(k.w) == TELEM_OK);
        disks[0].alive = false;
        touch(&disks[0].syncing);
    }
    void after() { model_stop(); }
};

/* telem_file_work beside the writer's thread. */
template <unsigned fails> struct handing : scenario {
    enum { threads = 2 };
    recorder k;
    void before() { k.make(0, fails, TELEM_FILE_HELPER); }
    void write() {
        for (int n = 0; n < 14; n++) {
            telem_result r = k.row();
            RL_ASSERT(r == TELEM_OK || fails);
            if (rl::rand(6) == 0) (void)telem_file_writer_flush(k.w);
            if (rl::rand(6) == 0) (void)telem_file_writer_get_stats(k.w);
            if (fails && r != TELEM_OK && rl::rand(2)) k.clear();
        }
    }
    void thread(unsigned i) {
        if (i) {
            while (model_load<uint32_t>(k.stop, rl::mo_acquire, 0) == 0)
                if (telem_file_work(k.w) != 1) others_run(NULL);
            model_store<uint32_t>(k.stop, 2, rl::mo_release, 0, NULL, NULL);
            return;
        }
        write();
        model_store<uint32_t>(k.stop, 1, rl::mo_release, 0, NULL, NULL);
        while (model_load<uint32_t>(k.stop, rl::mo_acquire, 0) != 2) others_run(NULL);
        disks[0].write_fails = 0;
        k.clear();
        RL_ASSERT(telem_file_writer_close(k.w) == TELEM_OK);
        k.check(&disks[0], fails != 0);
    }
    void after() { model_stop(); }
};
typedef handing<0> helper_codes;
typedef handing<20> helper_meets_errors;

/* ---- running them ---- */

#define EACH_SCENARIO(X) X(syncs_in_turn) X(syncs_that_fail) X(io_goes) X(helper_codes) X(helper_meets_errors)
#define THE_ONE(name) static name the_##name;
EACH_SCENARIO(THE_ONE)
#define THE_ROW(name) {#name, &the_##name, name::threads},
static const scenario_row file_scenarios[] = {EACH_SCENARIO(THE_ROW)};

/* Stored by several at once: that it was called; an error, and that it is cleared. */
static const char *const shared_stores[] = {"&w->sync_used", "&w->sync_failed", NULL};

static const spare file_spares[] = {
    {"telem_i_file_sync_begin", MODEL_ADD, MODEL_RELAXED, "the one kind of read-modify-write: S1 orders"},
    {NULL, 0, 0, NULL}};

TEST(weakened_release_is_found) {
    CHECK(weakened_is_found("telem_i_file_sync_end", MODEL_STORE));
    CHECK(weakened_is_found("telem_i_file_gate_add", MODEL_CAS));
    CHECK(weakened_is_found("telem_i_file_release", MODEL_STORE));
    CHECK(weakened_is_found("telem_file_work", MODEL_STORE));
    CHECK(weakened_is_found("telem_i_file_seal", MODEL_STORE));
}

int main(int argc, char **argv) {
    model_name = "model_file", model_file = model_header = "telem_file.h";
    scenarios = file_scenarios, scenario_count = sizeof file_scenarios / sizeof file_scenarios[0], spares = file_spares;
    model_shared = shared_stores;
    return model_main(argc, argv, test_weakened_release_is_found);
}
