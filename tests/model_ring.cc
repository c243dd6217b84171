/* model_ring.cc - telem_ring.h under a model checker (relacy): producers, readers, parkers and
   joiners on rings of eight units, in every order that C11 allows, not only those of this machine.

     model_ring                   what make test runs: some thousand schedules of each scenario
     MODEL=long model_ring        100,000 of each, other ones in each run (CHECK_SEED repeats one), and
                                  all schedules with one switch of threads
     MODEL=mutants model_ring     the removal table: each atomic of the header weakened, one at a
                                  time, must make a scenario fail
     model_ring NAME [n [first]]  n schedules of one scenario from number `first` on, with the history of
                                  the one that fails; MODEL_TRACE=1 prints each access;
                                  MODEL_WEAK=860 or 860:not\ atomic weakens the header's line 860

   The table's rows are the atomics in the text of telem_ring.h: nothing is listed by hand, a new
   one is a new row. */
#include "model_run.h"

#define TELEM_RING_LANE_MIN 64u
#define TELEM_I_RING_BLOCK_MIN 16u
#define TELEM_I_RING_RECORDS_MIN 4u
#define TELEM_RING_PARKED_MAX 8
static uint64_t ring_start;
#define TELEM_I_RING_START ring_start
#define TELEM_IMPLEMENTATION
#define TELEM_STATIC
#define TELEM_NO_STDIO
#define TELEM_NO_POSIX
#include "telem_ring.h"

/* ---- a small world ---- */

enum { PRODUCERS = 4, MOST = 64 };

struct world {
    telem_ring *ring;
    uint32_t ok, full, aborted, next[PRODUCERS];
    int64_t step;   /* between two stamps of one producer: small, or every other one in a new upper half */
    int far;        /* each producer's stamps have top bits of their own */

    /* Schedules at random also vary what the ring is like; all schedules of few switches keep one. */
    static bool random() { return rl::ctx().is_random_sched(); }
    static uint32_t some(uint32_t below, uint32_t fixed) { return random() ? rl::rand(below) : fixed; }

    void make(telem_ring_desc d) {
        ok = full = aborted = 0;
        memset(next, 0, sizeof next);
        memset(model_memory, 0, sizeof model_memory);
        model_forget();
        far = 0;
        ring_start = 0; /* half of the time, soon below the wrap of positions and numbers */
        if (random() && rl::rand(2)) ring_start -= (d.shared_bytes > 64 || d.shared_records > 8 ? 32u : 8u) * (1u + rl::rand(3));
        model_rate = random() ? 1u << rl::rand(9) : 1;
        step = random() && rl::rand(2) ? 0x60000000 : 100;
        d.memory = model_memory, d.memory_size = sizeof model_memory;
        d.readers = d.readers ? d.readers : 1;
        d.contiguous = (uint8_t)(random() && rl::rand(2));
        RL_ASSERT(telem_ring_init(&ring, &d) == TELEM_OK);
        model_start(telem_ring_bytes(&d));
    }
    /* What this writer's lane holds stands still for gating reader `thread`. */
    void promise(const telem_ring_writer *wr, unsigned thread) {
        model_still_from = (size_t)((char *)wr->data - (char *)model_memory);
        model_still_to = model_still_from + 64;
        model_still = 1u << thread;
    }
    static telem_ring_desc lane(uint32_t policy) {
        telem_ring_desc d = TELEM_ZERO;
        d.lanes = 1, d.lane_bytes = 64, d.policy = policy;
        return d;
    }
    static telem_ring_desc shared(uint32_t policy) {
        telem_ring_desc d = TELEM_ZERO;
        d.shared_bytes = 64, d.shared_records = 4, d.policy = policy, d.stall = 1;
        return d;
    }

    /* The n-th record of a producer: stream, time, length and bytes follow from both. */
    static uint32_t compose(uint64_t *p, uint32_t id, uint32_t n) {
        p[0] = ((uint64_t)id << 32 | n) * 0x9E3779B97F4A7C15u;
        p[1] = ~p[0];
        return n % 3u == 0 ? 16 : 8;
    }
    int64_t time_of(uint32_t id, uint32_t n) { return (int64_t)n * step + id + (far ? (int64_t)id << 56 : 0); }
    uint32_t number_of(const telem_ring_record *rec) { return (uint32_t)((rec->time & (far ? INT64_MAX >> 7 : -1)) / step); }

    void count(telem_result res) {
        RL_ASSERT(res == TELEM_OK || res == TELEM_FULL);
        if (res == TELEM_OK) ok++;
        else full++;
    }
    /* In one of the ways to push. */
    void push(telem_ring_writer *w, uint32_t id) {
        uint32_t how = some(w->lane ? 6 : 4, 0);
        uint64_t p[2];
        if (how == 1 || how == 2) return slowly(w, id, false, how == 2);
        if (how == 5 && batch(w, id)) return;
        uint32_t n = ++next[id], len = compose(p, id, n);
        int64_t time = time_of(id, n);
        count(how == 4 ? telem_ring_push_inline(w, id, time, p, len) : telem_ring_push(w, id, time, p, len));
    }
    void slowly(telem_ring_writer *w, uint32_t id, bool abort, bool in_line) {
        telem_ring_span s;
        uint64_t p[2];
        uint32_t n = ++next[id], len = compose(p, id, n);
        int64_t time = time_of(id, n);
        telem_result res = in_line ? telem_ring_begin_inline(w, id, time, len, &s) : telem_ring_begin(w, id, time, len, &s);
        if (res != TELEM_OK) return count(res);
        RL_ASSERT(telem_ring_span_write(w, &s, 0, p, len) == TELEM_OK);
        end(w, &s, abort, in_line);
    }
    void end(telem_ring_writer *w, telem_ring_span *s, bool abort, bool in_line) {
        if (!abort) return count(in_line ? telem_ring_commit_inline(w, s) : telem_ring_commit(w, s));
        RL_ASSERT(telem_ring_abort(w, s) == TELEM_OK);
        aborted++;
    }
    bool batch(telem_ring_writer *w, uint32_t id) {
        telem_ring_item items[1];
        uint64_t p[2];
        uint32_t n = next[id] + 1u;
        memset(items, 0, sizeof items);
        items[0].len = compose(p, id, n), items[0].data = p, items[0].stream = id, items[0].time = time_of(id, n);
        telem_result res = telem_ring_push_batch(w, items, 1, NULL);
        if (res == TELEM_ERR_LIMIT) return false; /* more than a quarter of so small a lane, with all before it */
        next[id] = n;
        count(res);
        return true;
    }
    telem_ring_counts stats() {
        telem_ring_counts c;
        RL_ASSERT(telem_ring_stats(ring, &c) == TELEM_OK);
        return c;
    }
    void accounts() {
        telem_ring_counts c = stats();
        RL_ASSERT(c.committed == ok && c.open == 0);
        RL_ASSERT(c.refused + c.aborted == (uint64_t)full + aborted);
        telem_i_ring_shared *s = telem_i_ring_shared_of(ring);
        if (s) RL_ASSERT(model_load<uint32_t>(&s->parked, rl::mo_acquire, 0) == 0); /* nobody is parked any more */
    }
};

struct watcher {
    world *w;
    telem_ring_reader rd;
    uint64_t copy[32];
    uint32_t got, seen[PRODUCERS];
    bool expelled, joined;

    bool only_read; /* no buffer of its own: record by record, none at a time */

    telem_result init(world *in, bool gating, uint8_t start, uint64_t timeout = 0) {
        telem_ring_reader_desc d = TELEM_ZERO;
        w = in;
        only_read = world::some(4, 1) == 0;
        got = 0, expelled = joined = false;
        memset(seen, 0, sizeof seen);
        d.gating = gating, d.start = start, d.timeout = timeout;
        if (!only_read) d.copy = copy, d.copy_size = world::some(2, 0) ? world::some(2, 0) ? sizeof copy : 64 : 24;
        telem_result res = telem_ring_reader_init(&rd, w->ring, &d);
        joined = res == TELEM_OK;
        return res;
    }
    bool proves_itself(const telem_ring_record *rec) {
        uint64_t want[2];
        uint32_t n = w->number_of(rec);
        if (rec->stream >= PRODUCERS || rec->time != w->time_of(rec->stream, n)) return false;
        if (world::compose(want, rec->stream, n) != rec->len) return false;
        for (uint32_t i = 0; i < rec->len / 8; i++)
            if (model_see((const uint64_t *)rec->data + i) != want[i]) return false;
        return true;
    }
    void note(const telem_ring_record *rec) {
        uint32_t n = w->number_of(rec);
        RL_ASSERT(n > seen[rec->stream]); /* once, and in order */
        seen[rec->stream] = n;
        got++;
    }
    telem_result read() {
        telem_ring_record rec;
        uint64_t buf[4];
        telem_result res = telem_ring_read(&rd, &rec, buf, sizeof buf);
        if (res == TELEM_OK) {
            RL_ASSERT(proves_itself(&rec));
            note(&rec);
        }
        return told(res);
    }
    telem_result peek() {
        telem_ring_record rec;
        telem_result res = telem_ring_peek(&rd, &rec);
        if (res != TELEM_OK) return told(res);
        bool good = proves_itself(&rec);
        res = telem_ring_release(&rd);
        if (res == TELEM_OK) {
            RL_ASSERT(good); /* whatever was seen between peek and release */
            note(&rec);
        }
        return told(res);
    }
    telem_result told(telem_result res) {
        if (res == TELEM_EXPELLED) {
            RL_ASSERT(!expelled);
            expelled = true;
        } else {
            RL_ASSERT(res != TELEM_ERR_CORRUPT);
            RL_ASSERT(res == TELEM_OK || res == TELEM_EMPTY || res == TELEM_AGAIN);
        }
        return res;
    }
    void look(int times) {
        while (times-- > 0) (void)(times % 2 && !only_read ? peek() : read());
    }
    void drain() {
        telem_result res;
        do res = read();
        while (res == TELEM_OK || res == TELEM_AGAIN || res == TELEM_EXPELLED);
        res = read(); /* with a stalled record: it is waited for once more */
        while (res == TELEM_OK) res = read();
    }
    telem_ring_reader_counts counts() {
        telem_ring_reader_counts c;
        RL_ASSERT(telem_ring_reader_stats(&rd, &c) == TELEM_OK);
        return c;
    }
    /* For one that was there before the first record. */
    void account() {
        telem_ring_reader_counts c = counts();
        RL_ASSERT(c.delivered + c.filtered + c.lost + c.queued == w->ok);
        RL_ASSERT(c.delivered == got);
        drain();
        c = counts();
        RL_ASSERT(c.queued == 0 && c.delivered == got && c.delivered + c.lost == w->ok);
        if (rd.slot) RL_ASSERT(c.lost == 0);
    }
};

/* What runs: before() alone, thread(0..) at once, after() alone. */

/* ---- lanes ---- */

/* The writer laps a reader that does not gate, in mid-copy and anywhere else. */
struct lane_lapped : scenario {
    enum { threads = 2 };
    world w;
    telem_ring_writer wr;
    watcher r;
    void before() {
        w.make(world::lane(TELEM_RING_OVERWRITE));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, 0) == TELEM_OK);
        RL_ASSERT(r.init(&w, false, TELEM_RING_OLDEST) == TELEM_OK);
        for (uint32_t n = world::some(4, 3); n > 0; n--) w.push(&wr, 0);
    }
    void thread(unsigned i) {
        if (i) r.look(4);
        else
            for (int n = 4 + (int)world::some(2, 0) * 5; n > 0; n--) w.push(&wr, 0);
    }
    void after() {
        w.accounts();
        r.account();
        model_stop();
    }
};

/* The first lap of all: anchors that a reader has never seen, of a lane that only push has written. */
struct lane_first_lap : scenario {
    enum { threads = 2 };
    world w;
    telem_ring_writer wr;
    watcher r;
    void push() {
        uint64_t p[2];
        uint32_t n = w.next[0] += 3, len = world::compose(p, 0, n + 1u); /* all of 8 bytes: none wraps */
        w.count(telem_ring_push(&wr, 0, w.time_of(0, n + 1u), p, len));
    }
    void before() {
        w.make(world::lane(TELEM_RING_OVERWRITE));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, 0) == TELEM_OK);
        RL_ASSERT(r.init(&w, false, TELEM_RING_OLDEST) == TELEM_OK);
        push();
    }
    void thread(unsigned i) {
        if (i) (void)r.read();
        else
            for (int n = 0; n < 4; n++) push();
    }
    void after() {
        w.accounts();
        r.account();
        model_stop();
    }
};

/* The writer is refused what a gating reader holds; what peek shows stands still. */
struct lane_gated : scenario {
    enum { threads = 2 };
    world w;
    telem_ring_writer wr;
    watcher r;
    void before() {
        w.make(world::lane(TELEM_RING_REFUSE));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, 0) == TELEM_OK);
        RL_ASSERT(r.init(&w, true, TELEM_RING_OLDEST) == TELEM_OK);
        w.promise(&wr, 1);
        w.push(&wr, 0);
    }
    void thread(unsigned i) {
        if (i) r.look(4);
        else
            for (int n = 0; n < 5; n++) w.push(&wr, 0);
    }
    void after() {
        w.accounts();
        RL_ASSERT(w.ok + 3 > 5 - r.got || w.full);
        r.account();
        RL_ASSERT(r.rd.lost == 0);
        model_stop();
    }
};

/* A reader joins while the writer is at it. Gating: nothing it was shown the start of is taken. */
template <bool gating, uint32_t shared_lane> struct joining : scenario {
    enum { threads = 2 };
    world w;
    telem_ring_writer wr;
    watcher r;
    uint8_t start;
    void before() {
        uint32_t policy = gating ? TELEM_RING_REFUSE : TELEM_RING_OVERWRITE;
        w.make(shared_lane ? world::shared(policy) : world::lane(policy));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, shared_lane ? TELEM_RING_SHARED : 0) == TELEM_OK);
        r.joined = false;
        for (uint32_t n = world::some(6, 4); n > 0; n--) w.push(&wr, 0);
        start = (uint8_t)world::some(2, 0);
    }
    void thread(unsigned i) {
        if (i == 0) {
            for (int n = 0; n < 4; n++) w.push(&wr, 0);
            return;
        }
        telem_result res = r.init(&w, gating, start);
        RL_ASSERT(res == TELEM_OK || res == TELEM_AGAIN);
        if (res == TELEM_OK) r.look(3);
    }
    void after() {
        w.accounts();
        if (r.joined) {
            for (int n = 0; n < 2; n++) w.push(&wr, 0);
            r.drain();
            telem_ring_reader_counts c = r.counts();
            RL_ASSERT(c.queued == 0 && c.delivered == r.got && c.delivered + c.lost <= w.ok);
            if (gating) RL_ASSERT(c.lost == 0);
            RL_ASSERT(r.seen[0] == 0 || gating || r.seen[0] == w.next[0]); /* up to the newest */
        }
        model_stop();
    }
};
typedef joining<true, 0> lane_joined;
typedef joining<false, 0> lane_joined_free;
typedef joining<true, 1> shared_joined;
typedef joining<false, 1> shared_joined_free;

/* A gating reader that is late is thrown out while it reads. */
template <uint32_t shared_lane> struct expelling : scenario {
    enum { threads = 2 };
    world w;
    telem_ring_writer wr;
    watcher r;
    void before() {
        w.make(shared_lane ? world::shared(TELEM_RING_REFUSE) : world::lane(TELEM_RING_REFUSE));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, shared_lane ? TELEM_RING_SHARED : 0) == TELEM_OK);
        RL_ASSERT(r.init(&w, true, TELEM_RING_OLDEST, (uint64_t)w.step / 2) == TELEM_OK);
        for (int n = 0; n < 2; n++) w.push(&wr, 0);
    }
    void thread(unsigned i) {
        if (i) r.look(4);
        else
            for (int n = 0; n < 7; n++) w.push(&wr, 0);
    }
    void after() {
        w.accounts();
        RL_ASSERT(w.stats().expelled <= 1);
        if (r.expelled) RL_ASSERT(w.stats().expelled == 1);
        r.account();
        RL_ASSERT(w.stats().expelled == (r.expelled ? 1u : 0u)); /* told, at last */
        model_stop();
    }
};
typedef expelling<0> lane_expelled;
typedef expelling<1> shared_expelled;

/* One lane and two threads that take it in turns, when they get it. */
struct lane_handed_on : scenario {
    enum { threads = 3 };
    world w;
    watcher r;
    void before() {
        w.make(world::lane(TELEM_RING_OVERWRITE));
        RL_ASSERT(r.init(&w, false, TELEM_RING_OLDEST) == TELEM_OK);
    }
    void thread(unsigned i) {
        if (i == 2) {
            r.look(3);
            return;
        }
        for (int times = 0; times < 2; times++) {
            telem_ring_writer wr;
            telem_result res = telem_ring_writer_init(&wr, w.ring, TELEM_RING_CLAIM);
            if (res == TELEM_FULL) continue;
            RL_ASSERT(res == TELEM_OK);
            w.push(&wr, i);
            if (times) w.push(&wr, i);
            RL_ASSERT(telem_ring_writer_deinit(&wr) == TELEM_OK);
        }
    }
    void after() {
        w.accounts();
        r.account();
        model_stop();
    }
};

/* One place in the table of gating readers, two that want it. */
struct gate_handed_on : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    watcher r[2];
    uint64_t late;
    void before() {
        w.make(world::lane(TELEM_RING_REFUSE));
        late = world::some(2, 0) ? (uint64_t)w.step / 2 : 0;
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, 0) == TELEM_OK);
        r[0].joined = r[1].joined = false;
    }
    void thread(unsigned i) {
        if (i == 2) {
            for (int n = 0; n < 5; n++) w.push(&wr, 0);
            return;
        }
        for (int times = 0; times < 2; times++) {
            telem_result res = r[i].init(&w, true, TELEM_RING_OLDEST, late);
            RL_ASSERT(res == TELEM_OK || res == TELEM_AGAIN || res == TELEM_FULL);
            if (res != TELEM_OK) continue;
            r[i].look(2);
            if (!late) RL_ASSERT(r[i].rd.lost == 0);
            if (times == 0) telem_ring_reader_deinit(&r[i].rd), r[i].joined = false;
        }
    }
    void after() {
        w.accounts();
        RL_ASSERT(!(r[0].joined && r[0].rd.slot && r[1].joined && r[1].rd.slot) || late); /* late: expelled, not told yet */
        model_stop();
    }
};

/* ---- the shared lane ---- */

template <uint32_t policy> struct sharing : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    watcher r;
    void before() {
        w.make(world::shared(policy));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, TELEM_RING_SHARED) == TELEM_OK);
        RL_ASSERT(r.init(&w, policy == TELEM_RING_REFUSE, TELEM_RING_OLDEST) == TELEM_OK);
        if (policy == TELEM_RING_REFUSE) w.promise(&wr, 2);
        for (uint32_t n = world::some(3, 2); n > 0; n--) w.push(&wr, 0);
    }
    void thread(unsigned i) {
        if (i == 2) r.look(4);
        else
            for (int n = 0; n < 3; n++) w.push(&wr, i);
    }
    void after() {
        w.accounts();
        r.account();
        model_stop();
    }
};
typedef sharing<TELEM_RING_OVERWRITE> shared_lapped;
typedef sharing<TELEM_RING_REFUSE> shared_gated;

/* Parked between begin and commit while another fills the ring several times over. */
template <uint32_t policy> struct parking : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    watcher r;
    bool abort;
    void before() {
        w.make(world::shared(policy));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, TELEM_RING_SHARED) == TELEM_OK);
        RL_ASSERT(r.init(&w, policy == TELEM_RING_REFUSE, TELEM_RING_OLDEST) == TELEM_OK);
        if (policy == TELEM_RING_REFUSE) w.promise(&wr, 2);
        abort = world::some(4, 1) == 0;
        for (uint32_t n = world::some(5, 3); n > 0; n--) w.push(&wr, 2);
    }
    void thread(unsigned i) {
        if (i == 0) {
            w.slowly(&wr, 0, abort, false);
            w.push(&wr, 0);
        } else if (i == 1)
            for (int n = 0; n < 6; n++) w.push(&wr, 1);
        else r.look(5);
    }
    void after() {
        w.accounts();
        r.account();
        for (int n = 0; n < 5; n++) w.push(&wr, 1);
        r.account();
        w.accounts();
        model_stop();
    }
};
typedef parking<TELEM_RING_OVERWRITE> shared_parked;
typedef parking<TELEM_RING_REFUSE> shared_parked_gated;

/* One that has been parked for some time leaves, while others fill the ring or read. */
template <uint32_t policy> struct leaving : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    telem_ring_span parked;
    watcher r;
    void before() {
        uint64_t p[2];
        w.make(world::shared(policy));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, TELEM_RING_SHARED) == TELEM_OK);
        RL_ASSERT(r.init(&w, policy == TELEM_RING_REFUSE, TELEM_RING_OLDEST) == TELEM_OK);
        for (uint32_t n = world::some(5, 1); n > 0; n--) w.push(&wr, 2);
        if (policy == TELEM_RING_REFUSE) r.drain();
        uint32_t n = ++w.next[0], len = world::compose(p, 0, n);
        RL_ASSERT(telem_ring_begin(&wr, 0, w.time_of(0, n), len, &parked) == TELEM_OK);
        RL_ASSERT(telem_ring_span_write(&wr, &parked, 0, p, len) == TELEM_OK);
        for (uint32_t k = world::some(13, 6); k > 0; k--) {
            w.push(&wr, 2);
            if (policy == TELEM_RING_REFUSE) r.look(2);
        }
    }
    void thread(unsigned i) {
        uint64_t p[2];
        if (i == 0) {
            uint32_t len = world::compose(p, 0, 1);
            RL_ASSERT(telem_ring_span_write(&wr, &parked, 0, p, len) == TELEM_OK); /* it still writes there */
            w.end(&wr, &parked, world::some(4, 1) == 0, false);
        } else if (i == 1 || world::some(2, 0))
            for (int n = 0; n < 4; n++) w.push(&wr, i);
        else r.look(3);
    }
    void after() {
        w.accounts();
        r.account();
        for (int n = 0; n < 6; n++) w.push(&wr, 1);
        r.account();
        w.accounts();
        model_stop();
    }
};
typedef leaving<TELEM_RING_OVERWRITE> shared_left;
typedef leaving<TELEM_RING_REFUSE> shared_left_gated;

/* A ring of sixteen numbers that is full: the tail moves several at a time. */
struct shared_in_steps : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    watcher r, late;
    void before() {
        telem_ring_desc d = world::shared(TELEM_RING_OVERWRITE);
        d.shared_bytes = 256, d.shared_records = 16;
        w.make(d);
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, TELEM_RING_SHARED) == TELEM_OK);
        RL_ASSERT(r.init(&w, false, TELEM_RING_OLDEST) == TELEM_OK);
        RL_ASSERT(late.init(&w, false, TELEM_RING_OLDEST) == TELEM_OK);
        for (uint32_t n = 12 + world::some(8, 4); n > 0; n--) {
            w.push(&wr, 3);
            if (world::some(4, 1) == 0) w.slowly(&wr, 3, true, false);
        }
        r.drain();
    }
    void thread(unsigned i) {
        if (i == 2) return r.look(3);
        for (int n = 0; n < 3; n++) w.slowly(&wr, i, world::some(4, 1) == 0, false);
    }
    void after() {
        w.accounts();
        r.account();
        late.account();
        model_stop();
    }
};

/* An open record stands where two others push at once: both revoke it, keep its span in mind, and
   go round, while its owner still writes and leaves. */
struct shared_pushed_out : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    telem_ring_span parked;
    watcher r;
    void before() {
        uint64_t p[2];
        w.make(world::shared(TELEM_RING_OVERWRITE));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, TELEM_RING_SHARED) == TELEM_OK);
        RL_ASSERT(r.init(&w, false, TELEM_RING_OLDEST) == TELEM_OK);
        for (uint32_t n = world::some(3, 0); n > 0; n--) w.push(&wr, 3);
        uint32_t n = ++w.next[0], len = world::compose(p, 0, n);
        RL_ASSERT(telem_ring_begin(&wr, 0, w.time_of(0, n), len, &parked) == TELEM_OK);
        RL_ASSERT(telem_ring_span_write(&wr, &parked, 0, p, len) == TELEM_OK);
        for (uint32_t k = 1 + world::some(2, 1); k > 0; k--) w.push(&wr, 3);
    }
    void thread(unsigned i) {
        uint64_t p[2];
        if (i == 0) {
            uint32_t len = world::compose(p, 0, 1);
            if (world::some(2, 1)) RL_ASSERT(telem_ring_span_write(&wr, &parked, 0, p, len) == TELEM_OK);
            w.end(&wr, &parked, false, false);
        } else
            for (int n = 0; n < 4; n++) w.push(&wr, i);
    }
    void after() {
        w.accounts();
        r.account();
        for (int n = 0; n < 6; n++) w.push(&wr, 3);
        r.account();
        w.accounts();
        model_stop();
    }
};

/* Two open records, one whose owner leaves and one whose owner stays: an entry that one of them had is
   the other one's later, and keeps its start. */
struct shared_pushed_out_twice : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    telem_ring_span leaves, stays;
    watcher r;
    void open(uint32_t id, telem_ring_span *span) {
        uint64_t p[2];
        uint32_t n = ++w.next[id];
        (void)world::compose(p, id, n);
        RL_ASSERT(telem_ring_begin(&wr, id, w.time_of(id, n), 8, span) == TELEM_OK);
        RL_ASSERT(telem_ring_span_write(&wr, span, 0, p, 8) == TELEM_OK);
    }
    void before() {
        telem_ring_desc d = world::shared(TELEM_RING_OVERWRITE);
        if (world::some(2, 0)) d.shared_records = 16; /* the tail moves two at a time */
        w.make(d);
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, TELEM_RING_SHARED) == TELEM_OK);
        RL_ASSERT(r.init(&w, false, TELEM_RING_OLDEST) == TELEM_OK);
        for (uint32_t n = world::some(3, 0); n > 0; n--) w.push(&wr, 3);
        open(0, &leaves);
        if (world::some(2, 1)) w.push(&wr, 3);
        open(1, &stays);
        for (uint32_t k = world::some(2, 0); k > 0; k--) w.push(&wr, 3);
    }
    void thread(unsigned i) {
        uint64_t p[2] = {1, 1};
        if (i == 0) {
            RL_ASSERT(telem_ring_span_write(&wr, &leaves, 0, p, 8) == TELEM_OK);
            w.end(&wr, &leaves, true, false);
        } else
            for (int n = 0; n < 4; n++) w.push(&wr, i + 1u);
    }
    void after() {
        uint64_t p[2];
        (void)world::compose(p, 1, 1);
        RL_ASSERT(telem_ring_span_write(&wr, &stays, 0, p, 8) == TELEM_OK); /* it writes to the last */
        w.end(&wr, &stays, false, false);
        w.accounts();
        r.account();
        for (int n = 0; n < 6; n++) w.push(&wr, 3);
        r.account();
        model_stop();
    }
};

/* One is on its way to move the tail while another goes round twice, with holes. */
struct shared_in_leaps : scenario {
    enum { threads = 2 };
    world w;
    telem_ring_writer wr;
    watcher r;
    void before() {
        telem_ring_desc d = world::shared(TELEM_RING_OVERWRITE);
        if (world::some(2, 0)) d.shared_bytes = 256, d.shared_records = 16;
        w.make(d);
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, TELEM_RING_SHARED) == TELEM_OK);
        RL_ASSERT(r.init(&w, false, TELEM_RING_OLDEST) == TELEM_OK);
        for (uint32_t n = d.shared_records; n > 0; n--) w.slowly(&wr, 3, world::some(3, 1) == 0, false);
    }
    void thread(unsigned i) {
        if (i == 0) w.slowly(&wr, 0, false, false);
        else
            for (int n = 0; n < 22; n++) w.slowly(&wr, 1, world::some(3, 1) == 0, false);
    }
    void after() {
        w.accounts();
        r.account();
        model_stop();
    }
};

/* The first records of all: the top bits of the stamps are settled by one of two. */
struct shared_tops : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    watcher r;
    void before() {
        w.make(world::shared(TELEM_RING_OVERWRITE));
        w.far = 1;
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, TELEM_RING_SHARED) == TELEM_OK);
        RL_ASSERT(r.init(&w, false, TELEM_RING_OLDEST) == TELEM_OK);
    }
    void thread(unsigned i) {
        if (i == 2) r.look(3);
        else w.push(&wr, i), w.push(&wr, i);
    }
    void after() {
        w.accounts();
        r.account();
        model_stop();
    }
};

/* Two producers find a late reader in the way, and it leaves by itself: it is expelled once or not
   at all, and its place is free again. */
struct shared_late_leaves : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    watcher r, next_one;
    void before() {
        w.make(world::shared(TELEM_RING_REFUSE));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, TELEM_RING_SHARED) == TELEM_OK);
        RL_ASSERT(r.init(&w, true, TELEM_RING_OLDEST, (uint64_t)w.step / 2) == TELEM_OK);
        for (uint32_t n = world::some(6, 4); n > 0; n--) w.push(&wr, 3);
    }
    void thread(unsigned i) {
        if (i == 2) {
            r.look((int)world::some(3, 1));
            telem_ring_reader_deinit(&r.rd);
        } else
            for (int n = 0; n < 2; n++) w.push(&wr, i);
    }
    void after() {
        w.accounts();
        RL_ASSERT(w.stats().expelled <= 1);
        RL_ASSERT(next_one.init(&w, true, TELEM_RING_LATEST) == TELEM_OK);
        model_stop();
    }
};

/* A reader was found in the way, left, and came back, or went on: its time begins anew. */
template <uint32_t back> struct found : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    watcher r;
    int64_t now;
    void push_now(uint32_t id) {
        uint64_t p[2];
        uint32_t n = ++w.next[id];
        (void)world::compose(p, id, n);
        w.count(telem_ring_push(&wr, id, now, p, 8));
    }
    void fill() {
        for (uint32_t was = w.full; w.full == was;) push_now(3);
    }
    void take() {
        telem_ring_record rec;
        uint64_t buf[4];
        RL_ASSERT(telem_ring_read(&r.rd, &rec, buf, sizeof buf) == TELEM_OK);
    }
    void before() {
        w.make(world::shared(TELEM_RING_REFUSE));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, TELEM_RING_SHARED) == TELEM_OK);
        RL_ASSERT(r.init(&w, true, TELEM_RING_OLDEST, 1000) == TELEM_OK);
        now = 10000;
        fill();
        if (back) telem_ring_reader_deinit(&r.rd);
        else {
            take();
            push_now(3);
        }
        now = 12000;
    }
    void thread(unsigned i) {
        if (i == 2) {
            if (back) r.init(&w, true, (uint8_t)world::some(2, 0), 1000);
            return;
        }
        push_now(i);
        push_now(i);
    }
    void after() {
        w.accounts();
        RL_ASSERT(w.stats().expelled == 0); /* all that was refused was so at one moment */
        model_stop();
    }
};
typedef found<0> shared_found;
typedef found<1> shared_found_back;

/* A reader that held all of a lane left, and another one joins at the newest: it holds nothing that
   is in the way. */
struct lane_back : scenario {
    enum { threads = 2 };
    world w;
    telem_ring_writer wr;
    watcher r;
    uint32_t was;
    void before() {
        w.make(world::lane(TELEM_RING_REFUSE));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, 0) == TELEM_OK);
        RL_ASSERT(r.init(&w, true, TELEM_RING_OLDEST) == TELEM_OK);
        while (!w.full) w.push(&wr, 0);
        was = w.full;
        telem_ring_reader_deinit(&r.rd);
    }
    void thread(unsigned i) {
        if (i) r.init(&w, true, TELEM_RING_LATEST);
        else w.push(&wr, 0), w.push(&wr, 0);
    }
    void after() {
        RL_ASSERT(w.full == was);
        w.accounts();
        model_stop();
    }
};

/* The window of a reader is warm when it is thrown out: what it peeks at next may be anything. */
struct lane_expelled_warm : scenario {
    enum { threads = 2 };
    world w;
    telem_ring_writer wr;
    watcher r;
    void before() {
        w.make(world::lane(TELEM_RING_REFUSE));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, 0) == TELEM_OK);
        RL_ASSERT(r.init(&w, true, TELEM_RING_OLDEST, (uint64_t)w.step / 2) == TELEM_OK);
        for (int n = 0; n < 3; n++) w.push(&wr, 0);
        (void)r.read();
    }
    void thread(unsigned i) {
        if (i) r.only_read ? (void)r.read() : (void)r.peek(), r.only_read ? (void)r.read() : (void)r.peek(), (void)r.read();
        else
            for (int n = 0; n < 7; n++) w.push(&wr, 0);
    }
    void after() {
        w.accounts();
        r.account();
        model_stop();
    }
};

/* A count of 32 bits carries while it is read: it is never too high. */
template <bool several> struct carrying : scenario {
    enum { threads = 3 };
    world w;
    telem_i_ring_count *c;
    void before() {
        w.make(world::lane(TELEM_RING_OVERWRITE));
        model_stop();
        c = &w.ring->expelled;
        c->lo = UINT32_MAX - world::some(2, 0);
        model_start(sizeof *w.ring);
    }
    void thread(unsigned i) {
        if (i < (several ? 2u : 1u)) telem_i_count_add(c, several), telem_i_count_add(c, several);
        if (i == 2)
            for (int n = 0; n < 3; n++) RL_ASSERT(telem_i_count_get(c) <= UINT32_MAX + 4ull);
    }
    void after() {
        RL_ASSERT(telem_i_count_get(c) >= UINT32_MAX + 1ull);
        model_stop();
    }
};
typedef carrying<false> count_carries;
typedef carrying<true> counts_carry;

/* The count of a lane, soon before its low half wraps, while it is read. */
struct lane_carries : scenario {
    enum { threads = 2 };
    world w;
    telem_ring_writer wr;
    uint64_t base;
    void before() {
        w.make(world::lane(TELEM_RING_OVERWRITE));
        model_stop();
        telem_i_ring_lane *l = telem_i_ring_lane_at(w.ring, 0);
        base = UINT32_MAX - world::some(3, 1);
        l->tip.count.v = (telem_i_ring_cell)base, l->count_at = (uint32_t)base;
        model_start(all());
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, 0) == TELEM_OK);
    }
    size_t all() { return w.ring->fixed.bytes; }
    void thread(unsigned i) {
        if (i == 0) {
            for (int n = 0; n < 4; n++) w.push(&wr, 0);
            return;
        }
        uint64_t last = base;
        for (int n = 0; n < 3; n++) {
            uint64_t c = w.stats().committed;
            RL_ASSERT(c <= base + w.next[0] + 1u); /* never too high */
            RL_ASSERT(c >= last || c + ((uint64_t)1 << 32) >= last); /* in mid-carry it may be too low */
            last = c > last ? c : last;
        }
    }
    void after() {
        RL_ASSERT(w.stats().committed == base + w.ok);
        model_stop();
    }
};

/* A trigger fires, twice at the same time, while a lane is written: the first wins, and nothing of
   what it holds is lost. */
struct trigger_fires : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    telem_ring_trigger *t;
    uint32_t fired;
    void before() {
        telem_ring_trigger_desc d = TELEM_ZERO;
        telem_ring_desc ring = world::lane(TELEM_RING_REFUSE);
        ring.shared_bytes = 64, ring.shared_records = 4;
        w.make(ring);
        fired = 0;
        t = (telem_ring_trigger *)((char *)model_memory + telem_ring_bytes(&ring)); /* its state is shared, too */
        model_stop();
        model_start(telem_ring_bytes(&ring) + sizeof *t);
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, 0) == TELEM_OK);
        d.before = 2, d.after = 1;
        RL_ASSERT(telem_ring_trigger_init(t, w.ring, &d) == TELEM_OK);
        for (uint32_t n = world::some(6, 4); n > 0; n--) w.push(&wr, 0);
    }
    void thread(unsigned i) {
        telem_ring_record rec;
        uint64_t buf[4], want[2];
        if (i == 0) {
            for (int n = 0; n < 4; n++) w.push(&wr, 0);
            return;
        }
        telem_result res = telem_ring_trigger_fire(t, 0);
        RL_ASSERT(res == TELEM_OK || res == TELEM_ERR_EXISTS || res == TELEM_AGAIN);
        if (res == TELEM_OK) fired++;
        if (i == 1) return;
        for (uint32_t last = 0; telem_ring_trigger_read(t, &rec, buf, sizeof buf) == TELEM_OK;) {
            uint32_t n = w.number_of(&rec);
            RL_ASSERT(world::compose(want, 0, n) == rec.len && memcmp(buf, want, rec.len) == 0);
            RL_ASSERT(last == 0 || n > last);
            last = n;
        }
    }
    void after() {
        RL_ASSERT(fired <= 1);
        w.accounts();
        telem_ring_trigger_arm(t);
        model_stop();
    }
};

/* Stamps of a narrow clock, extended by all together. */
struct shared_clock : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    uint64_t first, last[3];
    static telem_atomic32 *ticks;
    static uint64_t read(void *) { return TELEM_FETCH_ADD32(ticks, 3u) & 7u; } /* 3 bits: wraps soon */
    void before() {
        telem_ring_desc d = world::shared(TELEM_RING_OVERWRITE);
        telem_clock c = TELEM_ZERO;
        ticks = (telem_atomic32 *)&model_memory[MODEL_BYTES / 8 - 1];
        c.read = read, c.bits = 3;
        d.clock = &c;
        w.make(d);
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, TELEM_RING_SHARED) == TELEM_OK);
    }
    void thread(unsigned) {
        uint64_t p[2] = {0, 0};
        for (int n = 0; n < 2; n++) w.count(telem_ring_push(&wr, 1, TELEM_RING_NOW, p, 8));
    }
    void after() {
        w.accounts();
        model_stop();
    }
};
telem_atomic32 *shared_clock::ticks;

/* Anybody may ask for the counts at any time. */
template <uint32_t shared_lane> struct counting : scenario {
    enum { threads = 2 };
    world w;
    telem_ring_writer wr;
    watcher r;
    void before() {
        w.make(shared_lane ? world::shared(TELEM_RING_OVERWRITE) : world::lane(TELEM_RING_OVERWRITE));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, shared_lane ? TELEM_RING_SHARED : 0) == TELEM_OK);
        RL_ASSERT(r.init(&w, false, TELEM_RING_OLDEST) == TELEM_OK);
        for (uint32_t n = world::some(shared_lane ? 14 : 6, 4); n > 0; n--) w.push(&wr, 0);
    }
    void thread(unsigned i) {
        if (i == 0) {
            for (int n = 0; n < 4; n++) w.push(&wr, 0);
            return;
        }
        uint64_t committed = 0;
        for (int n = 0; n < 3; n++) {
            telem_ring_counts c = w.stats();
            if (!shared_lane) RL_ASSERT(c.committed >= committed);
            if (!shared_lane) RL_ASSERT(c.committed <= w.next[0] + 1u);
            else RL_ASSERT(c.committed + ((uint64_t)1 << 32) <= w.next[0] + 1u || c.committed <= w.next[0] + 1u); /* in mid-carry */
            committed = c.committed;
        }
    }
    void after() {
        w.accounts();
        r.account();
        model_stop();
    }
};
typedef counting<0> lane_counted;
typedef counting<1> shared_counted;

/* Two of them at the same time, and a third that steps around. */
struct shared_parked_twice : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    watcher r;
    void before() {
        w.make(world::shared(TELEM_RING_OVERWRITE));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, TELEM_RING_SHARED) == TELEM_OK);
        RL_ASSERT(r.init(&w, false, TELEM_RING_OLDEST) == TELEM_OK);
        for (uint32_t n = world::some(5, 3); n > 0; n--) w.push(&wr, 2);
    }
    void thread(unsigned i) {
        if (i < 2) w.slowly(&wr, i, false, false);
        else
            for (int n = 0; n < 7; n++) w.push(&wr, 2);
    }
    void after() {
        w.accounts();
        r.account();
        for (int n = 0; n < 5; n++) w.push(&wr, 2);
        r.account();
        w.accounts();
        model_stop();
    }
};

/* Three producers and nobody who looks on. */
struct shared_crowd : scenario {
    enum { threads = 3 };
    world w;
    telem_ring_writer wr;
    watcher r;
    void before() {
        w.make(world::shared(TELEM_RING_OVERWRITE));
        RL_ASSERT(telem_ring_writer_init(&wr, w.ring, TELEM_RING_SHARED) == TELEM_OK);
        RL_ASSERT(r.init(&w, false, TELEM_RING_OLDEST) == TELEM_OK);
        for (uint32_t n = world::some(5, 3); n > 0; n--) w.push(&wr, 3);
    }
    void thread(unsigned i) {
        for (int n = 0; n < 3; n++) w.push(&wr, i);
    }
    void after() {
        w.accounts();
        r.account();
        model_stop();
    }
};

/* ---- running them ---- */

#define EACH_SCENARIO(X) \
    X(lane_lapped) X(lane_first_lap) X(lane_gated) X(lane_joined) X(lane_joined_free) X(lane_expelled) X(lane_handed_on) \
    X(gate_handed_on) X(shared_lapped) X(shared_gated) X(shared_crowd) X(shared_parked) X(shared_parked_gated) \
    X(shared_parked_twice) X(shared_left) X(shared_left_gated) X(shared_in_steps) \
    X(shared_pushed_out) X(shared_pushed_out_twice) X(lane_back) X(shared_in_leaps) X(shared_tops) X(shared_late_leaves) X(shared_found) X(shared_found_back) \
    X(lane_expelled_warm) X(count_carries) X(counts_carry) X(lane_carries) X(trigger_fires) \
    X(lane_counted) X(shared_counted) X(shared_joined) X(shared_joined_free) X(shared_expelled)
#define THE_ONE(name) static name the_##name;
EACH_SCENARIO(THE_ONE)
#define THE_ROW(name) {#name, &the_##name, name::threads},
static const scenario_row ring_scenarios[] = {EACH_SCENARIO(THE_ROW)};

static const char *const shared_stores[] = {"telem_i_ring_note", "telem_i_time_store", "telem_i_gate_overdue", "&s->hint", NULL};

/* Every other row must fail. telem.h has one kind of read-modify-write, which acquires and releases; what asks for less is
   marked so. */
static const char one_kind[] = "the one kind of read-modify-write";
static const spare ring_spares[] = {
    {"telem_ring_init", MODEL_RELEASE, MODEL_NO_FENCE, "E0 is for compilers: what a kill leaves is in program order"},
    {"telem_ring_init", MODEL_STORE, MODEL_RELAXED, "E0 is for compilers"},
    {"telem_i_count_add", MODEL_ADD, MODEL_RELAXED, one_kind}, /* of lo; that of hi fails */
    {"telem_i_count_add", MODEL_ADD, MODEL_LOST, "hi changes once in 2^32"},
    {"telem_i_gate_overdue", MODEL_LOAD, MODEL_RELAXED, "early by a producer's own sleep, at worst"},
    {"telem_i_gate_overdue", MODEL_CAS, MODEL_RELAXED, one_kind},
    {"telem_i_gate_overdue", MODEL_CAS, MODEL_LOST, "early by a producer's own sleep, at worst"},
    {"telem_i_gate_expel", MODEL_CAS, MODEL_RELAXED, "the fence of E5 stands behind it"},
    {"telem_i_desc_start", MODEL_LOAD, MODEL_RELAXED, "the CAS of the reservation notices"},
    {"telem_i_desc_load_free", MODEL_LOAD, MODEL_RELAXED, "the CAS of the reservation notices"},
    {"telem_i_desc_take", MODEL_CAS, MODEL_RELAXED, one_kind},
    {"telem_i_span_head", MODEL_CAS, MODEL_RELAXED, "E12 shows it"},
    {"telem_i_parked_take", MODEL_ADD, MODEL_RELAXED, "+1: the entry shows it; -1: goes on with a release sequence"},
    {"telem_i_parked_take", MODEL_CAS, MODEL_RELAXED, one_kind},
    {"telem_i_parked_sweep", MODEL_LOAD, MODEL_RELAXED, "of two that say the same"},
    {"telem_i_shared_retire", MODEL_CAS, MODEL_RELAXED, one_kind}, /* of voids[]; that of the tail fails */
    {"telem_i_shared_retire", MODEL_CAS, MODEL_LOST, "test_ring_forced: voids_stored_plainly"},
    {"telem_i_shared_retire", MODEL_ADD, MODEL_LOST, "tail_hi changes once in 2^32"},
    {"telem_i_shared_clear", MODEL_CAS, MODEL_LOST, "when it goes back, they ask again"},
    {"telem_i_shared_clear", MODEL_CAS, MODEL_RELAXED, "by argument only: the gates are read behind the fence"},
    {"telem_i_shared_retire", MODEL_LOAD, MODEL_RELAXED, "test_ring_forced: voids_not_rechecked"},
    {"telem_i_parked_clear", MODEL_CAS, MODEL_RELAXED, "by argument only: cleared by a third, before the owner does"},
    {"telem_i_parked_clear", MODEL_ADD, MODEL_RELAXED, "by argument only: cleared by a third, before the owner does"},
    {"telem_i_trigger_fire", MODEL_CAS, MODEL_RELAXED, one_kind},
    {"telem_i_trigger_fire", MODEL_STORE, MODEL_RELAXED, "plain fields: test_ring_threads, TSan"},
    {"telem_ring_trigger_read", MODEL_LOAD, MODEL_RELAXED, "plain fields: test_ring_threads, TSan"},
    {"telem_ring_trigger_arm", MODEL_LOAD, MODEL_RELAXED, "plain fields"},
    {"telem_ring_trigger_arm", MODEL_STORE, MODEL_RELAXED, "plain fields"},
    {"telem_i_trigger_trim_lane", MODEL_LOAD, MODEL_RELAXED, "how many it keeps: tests of one thread"},
    {NULL, 0, 0, NULL}};

TEST(weakened_commit_is_found) { CHECK(weakened_is_found("telem_i_tip_move", MODEL_STORE)); }

int main(int argc, char **argv) {
    model_name = "model_ring", model_header = "telem_ring.h";
    scenarios = ring_scenarios, scenario_count = sizeof ring_scenarios / sizeof ring_scenarios[0], spares = ring_spares;
    model_shared = shared_stores;
    return model_main(argc, argv, test_weakened_commit_is_found);
}
