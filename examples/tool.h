/* tool.h - what the sub-commands of examples/telem.c share: errors, memory, text, output, options.
   Each tool_*.h is included once, by telem.c. */
#ifndef TOOL_H
#define TOOL_H
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_OK = 0, EXIT_FAIL = 1, EXIT_USAGE = 2, EXIT_LOST = 3 };

#if defined(__GNUC__)
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NO_RETURN              __attribute__((noreturn))
#else
#define PRINTF_LIKE(fmt, args)
#define NO_RETURN
#endif

/* --------------------------------------------------------------------- errors, progress ---- */

static int progress_shown;

static void progress_clear(void) {
    if (progress_shown) fputs("\r\033[K", stderr);
    progress_shown = 0;
}

/* A line that is overwritten, on a terminal only; at most ten a second. */
static void progress(const char *path, uint64_t done, uint64_t all) {
    static int tty = -1;
    static uint64_t next_ms;
    struct timespec t;
    uint64_t ms;
    if (tty < 0) tty = isatty(STDERR_FILENO);
    if (!tty || clock_gettime(CLOCK_MONOTONIC, &t) != 0) return;
    ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    if (next_ms == 0) next_ms = ms + 300; /* short jobs show nothing */
    if (ms < next_ms) return;
    next_ms = ms + 100;
    progress_shown = 1;
    if (all) fprintf(stderr, "\r%s: %3d %%\033[K", path, (int)(100.0 * (double)done / (double)all));
    else fprintf(stderr, "\r%s: %.1f MB\033[K", path, (double)done / 1e6);
}

/* One line on stderr: "telem: FILE: what happened; what to do". Control characters of a hostile
   name do not reach the terminal. */
static void say(const char *file, const char *format, va_list args) {
    char line[1024];
    size_t i,
        n = (size_t)snprintf(line, sizeof line, "telem: %s%s", file ? file : "", file ? ": " : "");
    if (n >= sizeof line) n = sizeof line - 1;
    vsnprintf(line + n, sizeof line - n, format, args);
    for (i = 0; line[i]; i++)
        if ((unsigned char)line[i] < 32 || line[i] == 127) line[i] = '?';
    progress_clear();
    fprintf(stderr, "%s\n", line);
}

PRINTF_LIKE(2, 3) static void note(const char *file, const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(file, format, args);
    va_end(args);
}

PRINTF_LIKE(2, 3) NO_RETURN static void die(const char *file, const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(file, format, args);
    va_end(args);
    exit(EXIT_FAIL); /* unfinished outputs are removed on the way, see temps_remove */
}

PRINTF_LIKE(2, 3) NO_RETURN static void usage_error(const char *command, const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(command, format, args);
    va_end(args);
    exit(EXIT_USAGE);
}

/* ------------------------------------------------------------------------------- memory ---- */

static void *grow(void *p, size_t n) {
    p = realloc(p, n ? n : 1);
    if (!p) die(NULL, "out of memory (%zu bytes); choose fewer streams or fields", n);
    return p;
}

static void *zalloc(size_t count, size_t size) {
    void *p = calloc(count ? count : 1, size);
    if (!p)
        die(NULL, "out of memory (%zu x %zu bytes); choose fewer streams or fields", count, size);
    return p;
}

static char *copy_string(const char *s) { return strcpy((char *)grow(NULL, strlen(s) + 1), s); }

/* One more zeroed element at the end of an array. */
static void *array_more(void *array, size_t *n, size_t size) {
    uint8_t *p = (uint8_t *)grow(array, (*n + 1) * size);
    memset(p + *n * size, 0, size);
    *n += 1;
    return p;
}

/* A string that grows; s is always terminated once something was added. */
typedef struct text {
    char *s;
    size_t n, cap;
} text;

static void text_room(text *t, size_t more) {
    if (more < t->cap - t->n) return;
    t->cap = (t->n + more + 64) * 2;
    t->s = (char *)grow(t->s, t->cap);
}

static void text_add(text *t, const char *s, size_t n) {
    text_room(t, n);
    if (n) memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = 0;
}

static void text_puts(text *t, const char *s) { text_add(t, s, strlen(s)); }

PRINTF_LIKE(2, 3) static void text_printf(text *t, const char *format, ...) {
    va_list args, again;
    int n;
    va_start(args, format);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, args);
    text_room(t, (size_t)n);
    vsnprintf(t->s + t->n, (size_t)n + 1, format, again);
    t->n += (size_t)n;
    va_end(again);
    va_end(args);
}

static int ends_with(const char *s, const char *end) {
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

/* Bytes of a UTF-8 character at s, 0 when it is none (RFC 3629: no overlong form, no surrogate). */
static size_t utf8_length(const unsigned char *s, size_t left) {
    size_t n = s[0] < 0x80   ? 1
               : s[0] < 0xC2 ? 0
               : s[0] < 0xE0 ? 2
               : s[0] < 0xF0 ? 3
               : s[0] < 0xF5 ? 4
                             : 0;
    size_t i;
    if (n == 0 || n > left) return 0;
    for (i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if (n == 3 && ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F))) return 0;
    if (n == 4 && ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))) return 0;
    return n;
}

/* As a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
static void text_json(text *t, const char *s, size_t n) {
    size_t i, k;
    text_puts(t, "\"");
    for (i = 0; i < n; i += k) {
        unsigned char c = (unsigned char)s[i];
        k = utf8_length((const unsigned char *)s + i, n - i);
        if (c == '"' || c == '\\') text_printf(t, "\\%c", c);
        else if (c < 32 || c == 127) text_printf(t, "\\u%04x", c);
        else text_add(t, k ? s + i : "\xEF\xBF\xBD", k ? k : 3);
        if (k == 0) k = 1;
    }
    text_puts(t, "\"");
}

/* For people: control characters and what is no UTF-8 as '?'. */
static void text_plain(text *t, const char *s, size_t n) {
    size_t i, k;
    for (i = 0; i < n; i += k) {
        unsigned char c = (unsigned char)s[i];
        k = utf8_length((const unsigned char *)s + i, n - i);
        text_add(t, k == 0 || c < 32 || c == 127 ? "?" : s + i, k ? k : 1);
        if (k == 0) k = 1;
    }
}

/* As a cell of RFC 4180. `force`: with quotes even when none are needed. */
static void text_csv(text *t, const char *s, size_t n, int force) {
    size_t i;
    int quote = force;
    for (i = 0; i < n && !quote; i++)
        quote = s[i] == ',' || s[i] == '"' || s[i] == '\n' || s[i] == '\r' || s[i] == ';' ||
                s[i] == '\t';
    if (n && (s[0] == ' ' || s[n - 1] == ' ')) quote = 1;
    if (!quote) {
        text_add(t, s, n);
        return;
    }
    text_puts(t, "\"");
    for (i = 0; i < n; i++) text_add(t, s[i] == '"' ? "\"\"" : s + i, s[i] == '"' ? 2 : 1);
    text_puts(t, "\"");
}

/* 12,345,678 */
static const char *thousands(uint64_t v, char buf[32]) {
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, v), i, k = 0;
    for (i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0) buf[k++] = ',';
        buf[k++] = digits[i];
    }
    buf[k] = 0;
    return buf;
}

/* 163.5 kHz */
static void text_rate(text *t, double hz) {
    double unit = hz >= 1e9 ? 1e9 : hz >= 1e6 ? 1e6 : hz >= 9999.5 ? 1e3 : 1;
    const char *prefix = hz >= 1e9 ? "G" : hz >= 1e6 ? "M" : hz >= 9999.5 ? "k" : "";
    text_printf(t, "%.4g %sHz", hz / unit, prefix);
}

/* ------------------------------------------------------------------------------- output ---- */

/* Outputs go to a temporary file beside the target, which takes its name when all is written:
   nothing half-done is ever left under the name, and on any exit the temporary is removed. */
#define TEMPS_MAX 900
static char *volatile temps[TEMPS_MAX];

static void temps_remove(void) {
    int i;
    for (i = 0; i < TEMPS_MAX; i++)
        if (temps[i]) unlink(temps[i]);
}

static void on_signal(int number) { /* only async-signal-safe calls */
    temps_remove();
    signal(number, SIG_DFL);
    raise(number);
}

static void temps_setup(void) {
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    size_t i;
    atexit(temps_remove);
    signal(SIGPIPE, SIG_IGN); /* a reader that went away shows as EPIPE in out_flush */
    signal(SIGXFSZ, SIG_IGN); /* and a limit on the file's size as EFBIG */
    for (i = 0; i < sizeof ends / sizeof *ends; i++)
        if (signal(ends[i], SIG_IGN) != SIG_IGN) signal(ends[i], on_signal);
}

typedef struct out {
    const char *path;
    char *target; /* rename to this at the end; NULL: written in place (stdout, a device, a pipe) */
    int fd, slot;
    size_t used;
    uint64_t total;
    char buf[65536];
} out;

/* Nothing is written over the file that is being read: it may be the only recording. */
static struct stat input_stat;
static int input_open;

static void out_check(const char *path, const struct stat *st) {
    if (S_ISDIR(st->st_mode)) die(path, "is a directory; name a file in it");
    if (input_open && S_ISREG(st->st_mode) && st->st_dev == input_stat.st_dev &&
        st->st_ino == input_stat.st_ino)
        die(path, "is the file being read; give the output another name");
}

/* The file behind symbolic links, so that a rename replaces it and not the link. It need not be
   there yet. */
static char *out_target(const char *path) {
    char *at = copy_string(path), link[4096];
    ssize_t n;
    while ((n = readlink(at, link, sizeof link - 1)) > 0) {
        char *slash = strrchr(at, '/');
        text t = {NULL, 0, 0};
        if (slash && link[0] != '/') text_add(&t, at, (size_t)(slash - at) + 1);
        text_add(&t, link, (size_t)n);
        free(at);
        at = t.s;
    }
    return at;
}

static void out_temp(out *o, mode_t mode) {
    size_t n = strlen(o->target);
    char *temp = (char *)grow(NULL, n + 16);
    for (o->slot = 0; o->slot < TEMPS_MAX && temps[o->slot]; o->slot++) {}
    if (o->slot == TEMPS_MAX)
        die(o->path, "more than %d outputs at once; choose fewer with --stream", TEMPS_MAX);
    snprintf(temp, n + 16, "%s.tmp.XXXXXX", o->target);
    o->fd = mkstemp(temp);
    if (o->fd < 0) die(o->path, "cannot create it: %s; choose another place", strerror(errno));
    temps[o->slot] = temp;
    fchmod(o->fd, mode);
}

/* NULL or "-": standard output. */
static out *out_open(const char *path) {
    out *o = (out *)zalloc(1, sizeof *o);
    struct stat st;
    mode_t mask = umask(0);
    umask(mask);
    o->path = path && strcmp(path, "-") != 0 ? path : "standard output";
    o->fd = STDOUT_FILENO;
    o->slot = -1;
    if (o->path != path) return o;
    if (stat(path, &st) != 0) {
        if (errno == ELOOP) {
            free(o);
            die(path, "cannot create it: %s; name another", strerror(ELOOP));
        }
        o->target = out_target(path);
        out_temp(o, (mode_t)(0666 & ~mask));
        return o;
    }
    out_check(path, &st);
    if (S_ISREG(st.st_mode)) {
        o->target = out_target(path);
        out_temp(o, st.st_mode & 07777);
    } else if ((o->fd = open(path, O_WRONLY | O_NOCTTY)) < 0)
        die(path, "cannot write: %s", strerror(errno));
    return o;
}

static void out_raw(out *o, const char *p, size_t n) {
    while (n > 0) {
        ssize_t took = write(o->fd, p, n);
        if (took < 0 && errno == EINTR) continue;
        if (took < 0 && errno == EAGAIN) {
            struct pollfd wait = {0, POLLOUT, 0};
            wait.fd = o->fd;
            poll(&wait, 1, -1);
            continue;
        }
        if (took < 0 && errno == EPIPE) exit(EXIT_OK); /* `| head` has what it wanted */
        if (took < 0)
            die(o->path, "cannot write at byte %" PRIu64 ": %s; make room or choose another place",
                o->total, strerror(errno));
        p += took;
        n -= (size_t)took;
        o->total += (uint64_t)took;
    }
}

static void out_flush(out *o) {
    size_t n = o->used;
    o->used = 0;
    out_raw(o, o->buf, n);
}

static void out_bytes(out *o, const void *p, size_t n) {
    if (n > sizeof o->buf - o->used) out_flush(o);
    if (n >= sizeof o->buf) {
        out_raw(o, (const char *)p, n);
        return;
    }
    if (n) memcpy(o->buf + o->used, p, n);
    o->used += n;
}

static void out_puts(out *o, const char *s) { out_bytes(o, s, strlen(s)); }

/* Writes the text and empties it. */
static void out_text(out *o, text *t) {
    out_bytes(o, t->s, t->n);
    t->n = 0;
}

static void out_close(out *o) {
    out_flush(o);
    if (close(o->fd) != 0 && errno != EINTR)
        die(o->path, "cannot write: %s; make room", strerror(errno));
    if (o->target) {
        if (rename(temps[o->slot], o->target) != 0)
            die(o->path, "cannot rename: %s", strerror(errno));
        free(temps[o->slot]);
        temps[o->slot] = NULL;
        free(o->target);
    }
    free(o);
}

/* ------------------------------------------------------------------------------ options ---- */

/* What getopt_long met: "?" unknown, ":" without its value. One line, exit 2. */
NO_RETURN static void option_error(const char *command, char **argv, int c) {
    const char *arg = optind > 0 ? argv[optind - 1] : "";
    usage_error(command, "%s %s; see telem %s --help", arg,
                c == ':' ? "wants a value" : "is no option of this command", command);
}

NO_RETURN static void print_help(const char *help) {
    out *o = out_open(NULL);
    out_puts(o, help);
    out_close(o);
    exit(EXIT_OK);
}

#endif
