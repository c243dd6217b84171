/* test_shm_threads.c - telem_shm.h with writers and readers as threads over one mapping, where a race
   checker can see them all: readers that copy, pin, are reliable, sleep.   UNIT: threads, UNIT: posix */
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem_shm.h"
#include "check.h"
#include <pthread.h>
#include <sched.h>

#define MOST 700u
#define WRITERS 3
#define READERS 4

enum { COPIES, PINS, RELIABLE, SLEEPS };

static telem_shm shm;
static telem_atomic32 stop;


typedef struct actor {
    pthread_t thread;
    uint32_t id, manner;
    uint64_t seed, did, lost, voided, corrupt, first, passed;
    telem_shm_writer w;
    telem_shm_reader r;
    uint8_t buf[MOST];
} actor;
static actor writers[WRITERS], readers[READERS];

static uint32_t compose(uint8_t *p, uint32_t id, uint64_t number) {
    uint32_t len = 12u + (uint32_t)(number * 2654435761u >> 7) % (number % 2 ? 36u : MOST - 12u), i;
    telem_put32(p, id);
    telem_put64(p + 4, number);
    for (i = 12; i < len; i++) p[i] = (uint8_t)(number + i * (id + 1u));
    return len;
}
static int proves(const void *data, uint64_t len) {
    uint8_t want[MOST];
    if (len < 12 || len > MOST) return 0;
    return compose(want, telem_get32(data), telem_get64((const uint8_t *)data + 4)) == len && memcmp(want, data, (size_t)len) == 0;
}

static void *write_frames(void *arg) {
    actor *a = (actor *)arg;
    telem_shm_slot slot;
    while (!TELEM_LOAD32_RELAXED(&stop)) {
        uint32_t len = compose(a->buf, a->id, a->did);
        telem_result res;
        if (shm.g.pins && a->did % 4 == 3 && telem_shm_begin(&a->w, len, &slot) == TELEM_OK) { /* in place */
            memcpy(slot.data, a->buf, len);
            res = telem_shm_commit(&a->w, &slot, 1, (int64_t)a->did, len);
        } else res = telem_shm_publish(&a->w, 1, (int64_t)a->did, a->buf, len);
        if (res == TELEM_OK) a->did++;
        else CHECK_EQ_INT(res, TELEM_AGAIN);
        if (check_rand(&a->seed) % 64 == 0) telem_i_shm_nap(check_rand(&a->seed) % 100000);
        if (check_rand(&a->seed) % 512 == 0) (void)telem_shm_meta_set(&a->w, "number", &a->did, 8);
    }
    return NULL;
}

static void one_frame(actor *a, telem_shm_frame *f) {
    telem_result res;
    if (a->manner == RELIABLE) {
        CHECK(proves(f->data, f->len));
        CHECK(telem_shm_valid(&a->r, f));
    } else if (a->manner == PINS) {
        res = telem_shm_pin(&a->r, f);
        if (res == TELEM_OK) {
            CHECK(proves(f->data, f->len));
            CHECK_OK(telem_shm_unpin(&a->r, f));
        } else CHECK_EQ_INT(res, TELEM_LAPPED);
    } else {
        res = telem_shm_copy(&a->r, f, a->buf, MOST);
        if (res == TELEM_OK) CHECK(proves(a->buf, f->len));
        else CHECK_EQ_INT(res, TELEM_LAPPED);
    }
}

static void *read_frames(void *arg) {
    actor *a = (actor *)arg;
    telem_shm_frame f;
    telem_result res;
    for (;;) {
        int last = (int)TELEM_LOAD32_ACQUIRE(&stop) > 1;
        res = telem_shm_wait(&a->r, 1000000);
        while ((res = telem_shm_next(&a->r, &f)) == TELEM_OK) {
            if (a->did++) CHECK(f.number >= a->passed);
            else a->first = f.number;
            a->passed = f.number + 1;
            one_frame(a, &f);
            if (!last && a->manner != RELIABLE && check_rand(&a->seed) % 256 == 0) telem_i_shm_nap(200000);
        }
        if (res != TELEM_EXPELLED) CHECK_EQ_INT(res, TELEM_EMPTY);
        if (last) return NULL;
    }
}

static void run_round(uint64_t *rng, uint32_t pins, uint32_t n_writers, uint64_t ns) {
    static uint64_t data[1 << 16], control[1 << 12];
    telem_shm_desc d = TELEM_ZERO;
    uint64_t published = 0, head;
    uint32_t i;
    d.backing = TELEM_SHM_MEMORY;
    d.memory = (void *)(((uintptr_t)data + 63u) & ~(uintptr_t)63u), d.memory_size = sizeof data - 64;
    d.control_memory = (void *)(((uintptr_t)control + 63u) & ~(uintptr_t)63u), d.control_size = sizeof control - 64;
    d.frames = 8u << check_rand(rng) % 4, d.writers = n_writers, d.readers = READERS, d.pins = pins;
    d.classes[0].bytes = 200, d.classes[0].count = 10;
    d.classes[1].bytes = MOST, d.classes[1].count = 12;

    TELEM_STORE32_RELEASE(&stop, 0);
    REQUIRE_OK(telem_shm_create(&shm, &d));
    for (i = 0; i < n_writers; i++) {
        memset(&writers[i], 0, sizeof writers[i]);
        writers[i].id = i, writers[i].seed = *rng + i;
        REQUIRE_OK(telem_shm_writer_init(&writers[i].w, &shm, NULL));
    }
    for (i = 0; i < READERS; i++) {
        telem_shm_reader_desc rd = TELEM_ZERO;
        memset(&readers[i], 0, sizeof readers[i]);
        readers[i].manner = i == 0 ? (pins ? PINS : COPIES) : i == 1 ? RELIABLE : i == 2 ? SLEEPS : COPIES;
        readers[i].seed = *rng + 100 + i;
        rd.reliable = readers[i].manner == RELIABLE;
        rd.deadline = 10000000000u;
        rd.wait = readers[i].manner == SLEEPS ? TELEM_SHM_SLEEP : TELEM_SHM_SPIN_SLEEP;
        rd.stall = 1000000000;
        REQUIRE_OK(telem_shm_reader_init(&readers[i].r, &shm, &rd));
    }
    for (i = 0; i < READERS; i++) REQUIRE(pthread_create(&readers[i].thread, NULL, read_frames, &readers[i]) == 0);
    for (i = 0; i < n_writers; i++) REQUIRE(pthread_create(&writers[i].thread, NULL, write_frames, &writers[i]) == 0);
    telem_i_shm_nap(ns);
    TELEM_STORE32_RELEASE(&stop, 1);
    for (i = 0; i < n_writers; i++) {
        (void)pthread_join(writers[i].thread, NULL);
        published += writers[i].did;
    }
    TELEM_STORE32_RELEASE(&stop, 2);
    for (i = 0; i < READERS; i++) (void)pthread_join(readers[i].thread, NULL);
    head = telem_i_shm_head(&shm);
    CHECK_EQ_INT(head, published); /* each number a frame */
    for (i = 0; i < READERS; i++) {
        telem_shm_reader_counts c = TELEM_ZERO;
        CHECK_OK(telem_shm_reader_stats(&readers[i].r, &c));
        CHECK_EQ_INT(c.delivered + c.lost + c.voided, head);
        CHECK_EQ_INT(c.corrupt + c.voided + c.queued, 0);
        if (readers[i].manner == RELIABLE) CHECK_EQ_INT(c.lost, 0);
        telem_shm_reader_deinit(&readers[i].r);
    }
    for (i = 0; i < n_writers; i++) CHECK_OK(telem_shm_writer_deinit(&writers[i].w));
    for (i = 0; i < 2; i++) {
        telem_shm_class_info info = TELEM_ZERO;
        CHECK_OK(telem_shm_class_info_get(&shm, i, &info));
        CHECK_EQ_INT(info.held + info.pinned, 0);
    }
    telem_shm_detach(&shm);
}

TEST(threads_agree_on_every_frame) {
    uint64_t rng = check_seed();
    int rounds = check_quick() ? 4 : 24, i;
    for (i = 0; i < rounds && !check_g.bad; i++)
        run_round(&rng, (uint32_t)(i % 2) * 1u, i % 4 < 2 ? 1 : WRITERS, 150000000);
}

/* -- the end -- */

static telem_shm view;
static telem_shm_reader last;
static telem_atomic32 turn, turn_done;
static uint32_t got_last;

static int any(void *user, uint32_t stream, int64_t time, const void *rec, uint32_t len) {
    (void)user, (void)stream, (void)time, (void)rec, (void)len;
    return 1;
}
static void *read_to_the_end(void *arg) {
    uint32_t i, spins, turns = *(const uint32_t *)arg;
    for (i = 1; i <= turns; i++) {
        telem_shm_frame f;
        telem_result r;
        for (spins = 0; TELEM_LOAD32_ACQUIRE(&turn) != i; spins++)
            if (spins > 2000) (void)sched_yield();
        got_last = 0;
        do {
            r = i % 3 == 0 ? telem_shm_wait(&last, 1000000000) : TELEM_OK;
            if (r == TELEM_OK) r = telem_shm_next(&last, &f);
            got_last += r == TELEM_OK;
        } while (r == TELEM_OK || r == TELEM_EMPTY);
        CHECK_EQ_INT(r, TELEM_END);
        TELEM_STORE32_RELEASE(&turn_done, i);
    }
    return NULL;
}

/* The owner publishes and is gone at once: who is told END has had every frame. */
TEST(end_is_told_behind_the_last_frame) {
    static uint64_t data[4096], control[512];
    telem_shm_writer w;
    pthread_t thread;
    uint64_t rng = check_seed();
    uint32_t i, k, spins, turns = check_quick() ? 5000 : 50000;
    uint8_t *d = (uint8_t *)data, *c = (uint8_t *)control;
    d += (64u - ((uintptr_t)d & 63u)) & 63u, c += (64u - ((uintptr_t)c & 63u)) & 63u;
    TELEM_STORE32_RELAXED(&turn, 0);
    REQUIRE(pthread_create(&thread, NULL, read_to_the_end, &turns) == 0);
    for (i = 1; i <= turns; i++) {
        telem_shm_desc desc = TELEM_ZERO;
        telem_shm_attach_desc a = TELEM_ZERO;
        telem_shm_reader_desc rd = TELEM_ZERO;
        uint32_t frames = 1u + (uint32_t)(check_rand(&rng) % 3);
        desc.backing = a.backing = TELEM_SHM_MEMORY, desc.frames = 4, desc.readers = 1;
        desc.memory = a.memory = d, desc.memory_size = a.memory_size = sizeof data - 64;
        desc.control_memory = a.control_memory = c, desc.control_size = a.control_size = sizeof control - 64;
        if (i % 2) rd.filter = any;
        rd.spin = 1000000000;
        CHECK_OK(telem_shm_create(&shm, &desc));
        CHECK_OK(telem_shm_attach(&view, &a));
        CHECK_OK(telem_shm_reader_init(&last, &view, &rd));
        CHECK_OK(telem_shm_writer_init(&w, &shm, NULL));
        TELEM_STORE32_RELEASE(&turn, i);
        for (k = (uint32_t)(check_rand(&rng) % 200); k > 0; k--) TELEM_I_SHM_PAUSE();
        for (k = 0; k < frames; k++) CHECK_OK(telem_shm_publish(&w, 1, k, &k, sizeof k));
        CHECK_OK(telem_shm_writer_deinit(&w));
        telem_shm_detach(&shm);
        for (spins = 0; TELEM_LOAD32_ACQUIRE(&turn_done) != i; spins++)
            if (spins > 2000) (void)sched_yield();
        CHECK_EQ_INT(got_last, frames);
        telem_shm_reader_deinit(&last);
        telem_shm_detach(&view);
    }
    (void)pthread_join(thread, NULL);
}

int main(void) {
    RUN(end_is_told_behind_the_last_frame);
    RUN(threads_agree_on_every_frame);
    return CHECK_MAIN_END();
}
