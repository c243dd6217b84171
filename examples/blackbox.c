/* cc -I. examples/blackbox.c -o blackbox -lpthread && { ./blackbox; ./blackbox; } */
/* A flight recorder in a mapped file. The first run kills itself while three threads write; the
   second finds the file, prints what survived and an exact account, and removes it. */
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem_schema.h"
#include "telem_ring.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_NAME "blackbox.ring"
enum { THREADS = 3, STREAM_IMU = 1, FILE_BYTES = 65536, TOLD = 64 };

#define IMU_TABLE(F) \
    F(COUNT, u32, n, "number of this thread's record") \
    F(FIELD, u8, thread, "", "who measured") \
    F(SCALED, i16, az, "m/s^2", 0.01, 0.0, "acceleration upwards")
TELEM_DEFINE(Imu, IMU_TABLE, "inertial unit");

/* The file: what each thread was told, then the ring. */
static uint8_t *map;
static telem_ring *ring;
static telem_atomic32 *told; /* records whose push has returned TELEM_OK */

static int fail(const char *what, telem_result r) {
    printf("%s: %s\n", what, telem_result_text(r));
    return 1;
}

static void *measure(void *arg) {
    uint32_t thread = (uint32_t)(uintptr_t)arg;
    telem_ring_writer w;
    Imu imu = TELEM_ZERO;
    uint8_t row[32];
    if (telem_ring_writer_init(&w, ring, TELEM_RING_CLAIM) != TELEM_OK) return NULL;
    for (imu.thread = (uint8_t)thread;; imu.n++) {
        imu.az = (int16_t)(981 + (int)(imu.n % 7u) - 3);
        if (telem_schema_pack(&Imu_schema, &imu, row) != TELEM_OK) return NULL;
        if (telem_ring_push(&w, STREAM_IMU, TELEM_RING_NOW, row, telem_schema_row_size(&Imu_schema)) != TELEM_OK) return NULL;
        TELEM_STORE32_RELEASE(&told[thread], imu.n + 1u);
    }
}

/* The first life: does not return when all goes well. */
static int record(void) {
    telem_ring_desc d = TELEM_ZERO;
    telem_clock clock = telem_clock_utc();
    struct timespec a_while = {0, 50000000};
    pthread_t thread[THREADS];
    uint8_t schema[512];
    int64_t n = telem_schema_encode(&Imu_schema, 0, schema, sizeof schema);
    telem_result r;
    uintptr_t i;
    d.memory = map + TOLD;
    d.memory_size = FILE_BYTES - TOLD;
    d.lanes = THREADS;
    d.policy = TELEM_RING_OVERWRITE;
    d.clock = &clock;
    d.notes_bytes = 512; /* the schema goes with the records */
    r = telem_ring_init(&ring, &d);
    if (r == TELEM_OK) r = n < 0 ? (telem_result)n : telem_ring_note(ring, STREAM_IMU, schema, (uint32_t)n);
    if (r != TELEM_OK) return fail("init", r);
    for (i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, measure, (void *)i) != 0) return 1;
    nanosleep(&a_while, NULL);
    (void)kill(getpid(), SIGKILL); /* no atexit, no flush, no msync */
    return 1;
}

static unsigned long ul(uint64_t n) { return (unsigned long)n; }

/* The second life. */
static int report(telem_ring_image *im) {
    const telem_ring_account *a = &im->account;
    static uint64_t memory[512], buf[64];
    const telem_schema *schema;
    telem_ring_note_info note;
    telem_ring_record rec;
    uint32_t next[THREADS] = {0}, i, complete = 0;
    uint64_t count = 0;
    char text[200];
    telem_result r = telem_ring_image_note(im, 0, &note);
    if (r == TELEM_OK) r = telem_schema_decode(note.data, note.len, memory, sizeof memory, &schema, NULL);
    if (r != TELEM_OK) return fail("schema", r);
    printf("the last life was killed; its records are of schema %s\n", schema->name);
    while ((r = telem_ring_image_read(im, &rec, buf, sizeof buf)) == TELEM_OK) {
        Imu imu;
        if (telem_schema_unpack(schema, rec.data, &imu) != TELEM_OK || imu.thread >= THREADS) return fail("unpack", TELEM_ERR_CORRUPT);
        next[imu.thread] = imu.n + 1u;
        if (count++ % 1000u) continue;
        telem_row_print_text(schema, rec.data, TELEM_PRINT_UNITS, text, sizeof text);
        printf("record %lu at %.3f s: %s\n", ul(count), (double)(telem_ticks_to_ns(&im->clock, rec.time) / 1000000) / 1e3, text);
    }
    printf("committed %lu = saved %lu + overwritten %lu + half overwritten %lu + damaged %lu\n", ul(a->committed), ul(a->saved),
           ul(a->overwritten), ul(a->half), ul(a->damaged));
    for (i = 0; i < THREADS; i++) { /* one more may have been committed than the thread heard of */
        printf("thread %u was told of %lu records; the last that is here is number %lu\n", (unsigned)i, ul(told[i]), ul(next[i]));
        complete += next[i] == told[i] || next[i] == told[i] + 1u;
    }
    printf("records read: %s\n", r == TELEM_END && count == a->saved ? "all that were saved" : "wrong");
    printf("account: %s\n", a->committed == a->saved + a->overwritten + a->half + a->damaged ? "closes" : "wrong");
    printf("threads that lost a record they were told of: %u\n", (unsigned)(THREADS - complete));
    return 0;
}

int main(void) {
    telem_ring_image im;
    telem_ring_attach_desc d = TELEM_ZERO;
    int fd = open(FILE_NAME, O_RDWR | O_CREAT, 0644);
    if (fd < 0 || ftruncate(fd, FILE_BYTES) != 0) return fail(FILE_NAME, TELEM_ERR_IO);
    map = (uint8_t *)mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return fail("mmap", TELEM_ERR_IO);
    told = (telem_atomic32 *)(void *)map;
    d.bytes = map + TOLD;
    d.size = FILE_BYTES - TOLD;
    if (telem_ring_attach(&im, &d) != TELEM_OK) return record(); /* no ring yet */
    (void)unlink(FILE_NAME);
    return report(&im);
}

/* Output (of the second run):
   the last life was killed; its records are of schema Imu
   ...
   records read: all that were saved
   account: closes
   threads that lost a record they were told of: 0 */
