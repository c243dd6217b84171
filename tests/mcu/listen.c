/* listen.c - a PC at the other end of a board's UART: HOST. Reads the stream in argv[1] as it comes (a file,
   "-", unix:PATH of a socket), spoiled on the way as argv[2], a seed, says (0: not): bytes dropped, doubled, flipped, of
   odd seeds the beginning missed. argv[3]: the same stream, whole. argv[4]: so many bytes are missed at the beginning.
   Every row that comes must be the one that was sent; rows that came + rows told as missing must be the rows sent, for
   each stream; rows come while the stream comes; who joins late gets all from the next announcement on.
   BREAK: the defects of flight.c that are here. */
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem_file.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#if !defined(BREAK)
#define BREAK 0
#endif
#define STREAMS 16u
#define MAX_ROWS 20000u
#define MOST_LATE 2100u /* rows at 1 kHz until an announcement and a KEY have come: a second each, and what waits */

typedef struct line {
    int fd;
    uint64_t seed, at;
    uint32_t join; /* bytes missed at the beginning */
} line;

static uint32_t chance(line *l) {
    l->seed = l->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(l->seed >> 33);
}

/* One byte at a time through the line. */
static int64_t line_read(void *user, void *buf, size_t n) {
    line *l = (line *)user;
    uint8_t *out = (uint8_t *)buf, raw[256];
    size_t want = n / 2 < sizeof raw ? n / 2 : sizeof raw, k = 0;
    ssize_t got, i;
    if (want == 0) want = 1;
    do {
        got = read(l->fd, raw, want);
        if (got <= 0) return 0;
        for (i = 0, k = 0; i < got; i++) {
            uint8_t b = raw[i];
            if (l->at++ < l->join) continue;
            if (l->seed && chance(l) % 3000 == 0) {
                uint32_t how = chance(l) % 3;
                if (how == 0) continue;
                if (how == 1 && k + 2 <= n) out[k++] = b;
                if (how == 2) b ^= (uint8_t)(1u << chance(l) % 8);
            }
            if (k < n) out[k++] = b;
        }
    } while (k == 0);
    return (int64_t)k;
}

static struct sent {
    uint64_t rows, first, came, missing, doubtful, *hash;
} sent[STREAMS];

static uint64_t size_sent, early; /* bytes; rows that came before half of them had */
static int ended; /* the end block came: it tells how many rows there were */

static uint64_t hash_of(const telem_file_item *i) {
    return XXH64(i->data, i->stream->row_size, (uint64_t)i->time);
}

static int failed(const char *what, uint64_t row) {
    fprintf(stderr, "listen: %s, row %llu\n", what, (unsigned long long)row);
    return 1;
}

static int open_line(const char *path) {
    struct sockaddr_un a;
    struct timespec pause = {0, 50000000};
    int fd, tries;
    if (strcmp(path, "-") == 0) return 0;
    if (strncmp(path, "unix:", 5) != 0) return open(path, O_RDONLY);
    memset(&a, 0, sizeof a);
    a.sun_family = AF_UNIX;
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path + 5);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    for (tries = 0; fd >= 0 && tries < 200; tries++) { /* the board may not be there yet */
        if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
        nanosleep(&pause, NULL);
    }
    return -1;
}

/* whole: notes what was sent; else holds what comes against it. */
static int listen_to(const char *path, uint64_t seed, uint32_t join, int whole) {
    static uint64_t memory[(4u << 20) / 8];
    telem_file_reader_desc d = TELEM_ZERO;
    telem_file_reader r;
    telem_file_item i;
    telem_io io = TELEM_ZERO;
    line l = {0, 0, 0, 0};
    int finished = 0, bad = 0;
    ended = 0;
    l.fd = open_line(path);
    l.seed = seed;
    l.join = seed % 2 ? 1000 + chance(&l) % (uint32_t)(size_sent / 2) : join;
    if (whole) l.seed = 0, l.join = 0;
    io.read = line_read, io.user = &l;
    d.io = &io, d.memory = memory, d.memory_size = sizeof memory;
    if (l.fd < 0 || telem_file_reader_open(&r, &d) != TELEM_OK) return failed("no stream", 0);
    while (!bad) {
        telem_result e = telem_file_next(&r, &i);
        if (e == TELEM_END && !finished++) {
            if (telem_file_reader_finish(&r) != TELEM_OK) return failed("finish", 0);
            continue;
        }
        if (e != TELEM_OK) break;
        if (i.kind == TELEM_ITEM_ROW) {
            struct sent *s = &sent[i.stream->id % STREAMS];
            if (whole) {
                if (!s->hash) s->hash = (uint64_t *)calloc(MAX_ROWS, 8);
                if (i.row < MAX_ROWS) s->hash[i.row] = hash_of(&i), s->rows = i.row + 1;
            } else {
                if (s->came == 0 && s->missing == 0) s->first = i.row; /* joined here */
                s->came++, early += l.at < size_sent / 2;
                bad = i.row >= s->rows || s->hash[i.row] != hash_of(&i) ? failed("a row that was not sent", i.row) : 0;
            }
        } else if (i.kind == TELEM_ITEM_MISSING && !whole && BREAK != 3) {
            struct sent *s = &sent[i.stream->id % STREAMS];
            if (s->came == 0 && s->missing == 0 && !i.at_least) s->first = i.row;
            if (i.at_least) s->doubtful += i.count;
            else s->missing += i.count;
        } else if (i.kind == TELEM_ITEM_DAMAGE && whole) {
            bad = failed(i.error.what, 0);
        }
    }
    ended = telem_file_reader_ended(&r);
    if (whole) size_sent = l.at;
    if (l.fd) close(l.fd);
    return bad;
}

int main(int argc, char **argv) {
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0, came = 0, missing = 0;
    uint32_t k, join;
    if (argc < 4) return 2;
    join = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0;
    if (listen_to(argv[3], 0, 0, 1)) return 1;
    for (k = 0; k < STREAMS; k++) sent[k].first = 0;
    if (listen_to(argv[1], seed, join, 0)) return 1;
    for (k = 0; k < STREAMS; k++) {
        const struct sent *s = &sent[k];
        if (s->rows == 0) continue;
        came += s->came, missing += s->missing;
        if ((join || seed % 2) && s->came + s->missing == 0) continue; /* joined later: where it begins is not known */
        if (ended && s->came + s->missing + s->doubtful + s->first < s->rows) return failed("rows are missing untold", s->came + s->missing);
        if (s->came + s->missing + s->first > s->rows) return failed("more is told than was sent", s->came + s->missing);
        if (seed == 0 && s->came + s->missing + s->first != s->rows) return failed("rows are missing on a good line", s->came);
        if (join && s->first > s->rows * join / size_sent + MOST_LATE) return failed("it is joined too late", s->first);
        if (seed == 0 && join == 0 && s->came != s->rows) return failed("not all rows came", s->came);
    }
    if (seed == 0 && join == 0 && 3u * early < came) return failed("rows do not come while the stream comes", early);
    printf("seed %llu, join %u: %llu rows came, %llu of them in the first half, %llu told as missing\n", (unsigned long long)seed, (unsigned)join, (unsigned long long)came, (unsigned long long)early, (unsigned long long)missing);
    return came ? 0 : failed("nothing came", 0);
}
