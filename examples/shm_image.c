/* cc -O2 -I. examples/shm_image.c -o shm_image */
/* A camera (1920 x 1080 RGB, 30 Hz) and a laser scanner (a point cloud and a scan line, 10 Hz) for any
   number of viewers, without a copy: the camera draws into shared memory, a viewer looks at it there.

       shm_image                           the sensors, until Ctrl-C
       shm_image view [-n FRAMES] [-o FILE.ppm]    looks at each frame, saves the last image

   An image is one large payload that the segment does not interpret; its size and pixel format are told
   beside the stream's name. Scan and cloud are arrays of records with units: shm_top and every reader
   know their fields. Both lie in one frame, so they belong together by construction. */
#define _POSIX_C_SOURCE 200809L /* only for a strict -std=c99 */
#define TELEM_IMPLEMENTATION
#include "telem_shm.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { IMAGE = 1, SCAN, CLOUD };
enum { CONTENT_RGB8 = 1 }; /* ours: what the bytes of an image mean */
enum {
    WIDTH = 1920,
    HEIGHT = 1080,
    IMAGE_BYTES = WIDTH * HEIGHT * 3,
    BEAMS = 720,
    CLOUD_POINTS = 20000,
    LIDAR_BYTES = 400000
};

/* Told in the image stream's `extra`. */
#define FORMAT_TABLE(F) \
    F(FIELD, u32, width, "", "pixels") \
    F(FIELD, u32, height, "", "lines") \
    F(FIELD, u32, stride, "B", "from line to line")
TELEM_DEFINE(Format, FORMAT_TABLE, "of an image");

#define BEAM_TABLE(F) \
    F(SCALED, u16, range, "m", 0.001, 0.0, "to the first thing hit") \
    F(FIELD, u16, intensity, "", "of what came back")
TELEM_DEFINE(Beam, BEAM_TABLE, "of a scan: 720 in half-degree steps");

#define POINT_TABLE(F) \
    F(FIELD, f32, x, "m", "forward") \
    F(FIELD, f32, y, "m", "left") \
    F(FIELD, f32, z, "m", "up") \
    F(FIELD, f32, intensity, "", "0 to 1")
TELEM_DEFINE(Point, POINT_TABLE, "of a cloud");
/* These structs have no padding and this machine is little-endian: an array of them IS an array of rows.
   (Elsewhere: telem_schema_pack each.) */
TELEM_STATIC_ASSERT(sizeof(Beam) == 4 && sizeof(Point) == 16, rows_are_structs);

static const char *name = "sensors"; /* -s gives another */
static volatile sig_atomic_t stop;
static void on_signal(int number) {
    (void)number;
    stop = 1;
}

static void sleep_ms(unsigned ms) {
#ifdef _WIN32
    Sleep(ms);
#else
    struct timespec t = {0, 0};
    t.tv_nsec = (long)ms * 1000000;
    nanosleep(&t, NULL); /* a signal ends it early, which is what we want */
#endif
}

static int fail(const char *doing, telem_result why) {
    const char *advice = why == TELEM_ERR_NOT_FOUND ? "; start the sensors first: shm_image"
                         : why == TELEM_ERR_EXISTS  ? "; they run already"
                         : why == TELEM_ERR_SPACE
                             ? "; it takes 40 MB: look at df -h /dev/shm (docker run --shm-size=256m)"
                             : "";
    fprintf(stderr, "shm_image: %s \"%s\": %s%s\n", doing, name, telem_result_text(why), advice);
    return 1;
}

/* -------------------------------------------------------------------------------- sensors ---- */

static void draw(uint8_t *p, uint32_t t) { /* a moving test pattern */
    uint32_t x, y;
    for (y = 0; y < HEIGHT; y++)
        for (x = 0; x < WIDTH; x++, p += 3)
            p[0] = (uint8_t)(x + t), p[1] = (uint8_t)(y + 2 * t), p[2] = (uint8_t)t;
}

static telem_result publish_image(telem_shm_writer *w, uint32_t t) {
    telem_shm_slot slot;
    telem_result r = telem_shm_begin(w, IMAGE_BYTES, &slot); /* memory that no reader sees yet */
    if (r != TELEM_OK) return r;
    draw((uint8_t *)slot.data, t);
    slot.content = CONTENT_RGB8;
    return telem_shm_commit(w, &slot, IMAGE, TELEM_SHM_NOW, IMAGE_BYTES);
}

static void measure(Beam *beams, Point *points, uint32_t t) {
    uint32_t i;
    for (i = 0; i < BEAMS; i++) {
        beams[i].range = (uint16_t)(2000 + (i * 7 + t * 10) % 3000);
        beams[i].intensity = (uint16_t)(i % 100);
    }
    for (i = 0; i < CLOUD_POINTS; i++) { /* a floor and a wall that comes nearer */
        uint32_t column = i % 200, row = i / 200;
        points[i].x = row < 50 ? (float)row * 0.1f : 5.0f - (float)(t % 40) * 0.05f;
        points[i].y = ((float)column - 100.0f) * 0.05f;
        points[i].z = row < 50 ? 0.0f : (float)(row - 50) * 0.05f;
        points[i].intensity = (float)(column % 10) * 0.1f;
    }
}

static telem_result publish_lidar(telem_shm_writer *w, uint32_t t) {
    static Beam beams[BEAMS];
    static Point points[CLOUD_POINTS];
    telem_shm_slot slot;
    uint64_t used = 0;
    telem_result r;
    measure(beams, points, t);
    r = telem_shm_begin(w, LIDAR_BYTES, &slot);
    if (r != TELEM_OK) return r;
    r = telem_shm_part_put(slot.data, slot.capacity, &used, SCAN, beams, sizeof(Beam), BEAMS);
    if (r == TELEM_OK)
        r = telem_shm_part_put(slot.data, slot.capacity, &used, CLOUD, points, sizeof(Point), CLOUD_POINTS);
    if (r != TELEM_OK) return (void)telem_shm_abort(w, &slot), r;
    return telem_shm_commit(w, &slot, TELEM_SHM_PARTS, TELEM_SHM_NOW, used);
}

static telem_result declare(telem_shm_writer *w) {
    Format format = {WIDTH, HEIGHT, WIDTH * 3};
    uint8_t extra[16];
    telem_shm_stream_desc image = TELEM_ZERO, scan = TELEM_ZERO, cloud = TELEM_ZERO;
    telem_result r = telem_schema_pack(&Format_schema, &format, extra);
    image.id = IMAGE, image.name = "image", image.content = CONTENT_RGB8;
    image.extra = extra, image.extra_bytes = telem_schema_row_size(&Format_schema);
    scan.id = SCAN, scan.name = "scan", scan.schema = &Beam_schema;
    cloud.id = CLOUD, cloud.name = "cloud", cloud.schema = &Point_schema;
    if (r == TELEM_OK) r = telem_shm_stream_add(w, &image);
    if (r == TELEM_OK) r = telem_shm_stream_add(w, &scan);
    return r == TELEM_OK ? telem_shm_stream_add(w, &cloud) : r;
}

static int serve(void) {
    static telem_shm shm;
    static telem_shm_writer w;
    telem_shm_desc d = TELEM_ZERO;
    telem_shm_writer_desc wd = TELEM_ZERO;
    telem_clock clock = telem_clock_monotonic();
    uint64_t now, next;
    uint32_t t;
    telem_result r;
    d.name = name;
    d.frames = 16;
    d.readers = 3;
    d.pins = 1; /* each may hold one image: with one being drawn, two are left to take turns */
    d.classes[0].bytes = LIDAR_BYTES, d.classes[0].count = 6;
    d.classes[1].bytes = IMAGE_BYTES, d.classes[1].count = 6;
    r = telem_shm_create(&shm, &d);
    if (r != TELEM_OK) return fail("create", r);
    wd.name = "shm_image";
    r = telem_shm_writer_init(&w, &shm, &wd);
    if (r == TELEM_OK) r = declare(&w);
    printf("publishing images and clouds: shm_image view, shm_top %s\n", name);
    fflush(stdout);
    next = clock.read(clock.user);
    for (t = 0; r == TELEM_OK && !stop; t++) {
        r = publish_image(&w, t);
        if (r == TELEM_OK && t % 3 == 0) r = publish_lidar(&w, t);
        if (r == TELEM_AGAIN) r = TELEM_OK; /* all slots are pinned: this one is left out, and counted */
        if (r == TELEM_OK) r = telem_shm_beat(&w);
        next += 33333333;
        now = clock.read(clock.user);
        if (next > now) sleep_ms((unsigned)((next - now) / 1000000));
    }
    (void)telem_shm_writer_deinit(&w);
    telem_shm_detach(&shm);
    return r == TELEM_OK ? 0 : fail("publish", r);
}

/* --------------------------------------------------------------------------------- viewer ---- */

typedef struct view {
    telem_shm_reader r;
    Format format;
    const char *save;
    unsigned long images, clouds, torn, late;
    double age, nearest; /* ms, of the images together; m */
} view;

/* The image's size, as its publisher told it. Nobody else's word is taken for the length of anything. */
static telem_result learn(view *v) {
    uint64_t buf[128];
    telem_shm_entry e;
    telem_result r = telem_shm_stream_find(telem_shm_reader_segment(&v->r), IMAGE, &e, buf, sizeof buf);
    if (r != TELEM_OK) return r;
    if (e.content != CONTENT_RGB8 || e.extra_bytes != telem_schema_row_size(&Format_schema))
        return TELEM_ERR_UNSUPPORTED;
    r = telem_schema_unpack(&Format_schema, e.extra, &v->format);
    if (r == TELEM_OK && (v->format.width > 16384 || v->format.height > 16384 || v->format.width < 2 ||
                          v->format.stride < v->format.width * 3 || v->format.stride > 65536))
        r = TELEM_ERR_CORRUPT;
    return r;
}

static void save(const view *v, const uint8_t *p) {
    FILE *f = fopen(v->save, "wb");
    uint32_t y;
    int ok =
        f != NULL && fprintf(f, "P6 %u %u 255\n", (unsigned)v->format.width, (unsigned)v->format.height) > 0;
    for (y = 0; ok && y < v->format.height; y++)
        ok = fwrite(p + (size_t)y * v->format.stride, 3, v->format.width, f) == v->format.width;
    if (f && fclose(f) != 0) ok = 0;
    if (!ok) fprintf(stderr, "shm_image: cannot write %s\n", v->save);
}

/* The pattern says which time it was drawn at: all lines must tell the same. */
static void look_at_image(view *v, const telem_shm_frame *f, int last) {
    telem_clock clock = telem_clock_monotonic();
    const uint8_t *p = (const uint8_t *)f->data;
    uint32_t y;
    if (f->content != CONTENT_RGB8 || f->len < (uint64_t)v->format.stride * v->format.height) return;
    for (y = 0; y < v->format.height; y++)
        if (p[(size_t)y * v->format.stride + 2] != p[2]) break;
    v->torn += y < v->format.height;
    v->images++;
    v->age += (double)((int64_t)clock.read(clock.user) - f->time) * 1e-6;
    if (last && v->save) save(v, p);
}

static void look_at_cloud(view *v, const telem_shm_frame *f) {
    telem_shm_part part;
    uint64_t at = 0;
    uint32_t i;
    while (telem_shm_part_next(f->data, f->len, &at, &part) == TELEM_OK) {
        if (part.stream != CLOUD || part.size != part.count * sizeof(Point)) continue;
        v->clouds++;
        v->nearest = 1e9;
        for (i = 0; i < part.count; i++) {
            Point p;
            memcpy(&p, (const uint8_t *)part.data + i * sizeof p, sizeof p);
            if (p.z > 0.1f && (double)p.x < v->nearest) v->nearest = (double)p.x;
        }
    }
}

/* Pinned: the writer leaves this slot alone, however long we look. */
static void look(view *v, telem_shm_frame *f, int last) {
    if (telem_shm_pin(&v->r, f) != TELEM_OK) {
        v->late++;
        return;
    }
    if (f->stream == IMAGE) look_at_image(v, f, last);
    else if (f->stream == TELEM_SHM_PARTS) look_at_cloud(v, f);
    (void)telem_shm_unpin(&v->r, f);
}

static int see(unsigned long frames, const char *file) {
    static view v;
    telem_shm_attach_desc where = TELEM_ZERO;
    telem_shm_reader_desc d = TELEM_ZERO;
    telem_shm_reader_counts c = TELEM_ZERO;
    telem_shm_frame f;
    telem_result r;
    where.name = name;
    d.name = "viewer";
    d.start = TELEM_SHM_LATEST;
    v.save = file;
    r = telem_shm_reader_open(&v.r, &where, &d);
    if (r != TELEM_OK) return fail("open", r);
    r = learn(&v);
    if (r != TELEM_OK) return fail("understand the images of", r);
    while (!stop && v.images < frames && telem_shm_wait(&v.r, 2000000000) == TELEM_OK)
        while (!stop && v.images < frames && telem_shm_next(&v.r, &f) == TELEM_OK)
            look(&v, &f, v.images + 1 == frames);
    (void)telem_shm_reader_stats(&v.r, &c);
    telem_shm_reader_close(&v.r);
    printf("%lu images of %u x %u, %lu torn, %.2f ms old when seen; %lu clouds, the wall at %.2f "
           "m; %lu lost\n",
           v.images, (unsigned)v.format.width, (unsigned)v.format.height, v.torn,
           v.images ? v.age / (double)v.images : 0.0, v.clouds, v.nearest, (unsigned long)c.lost + v.late);
    if (v.images < frames && !stop) return fprintf(stderr, "shm_image: the sensors say nothing more\n"), 1;
    return v.torn ? 1 : c.lost + v.late ? 3 : 0;
}

int main(int argc, char **argv) {
    unsigned long frames = 30;
    const char *file = NULL;
    int i, viewer = argc > 1 && strcmp(argv[1], "view") == 0;
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    for (i = viewer + 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "-s") == 0) name = argv[i + 1];
        else if (viewer && strcmp(argv[i], "-n") == 0) frames = strtoul(argv[i + 1], NULL, 10);
        else if (viewer && strcmp(argv[i], "-o") == 0) file = argv[i + 1];
        else break;
    }
    if (i != argc || frames == 0)
        return fprintf(stderr, "usage: shm_image [view [-n FRAMES] [-o FILE.ppm]] [-s SEGMENT]\n"), 2;
    return viewer ? see(frames, file) : serve();
}

/* Output (of view; times and places differ):
   30 images of 1920 x 1080, 0 torn, 0.71 ms old when seen; 10 clouds, the wall at 3.35 m; 0 lost */
