/* tool.h - what the sub-commands of examples/telem.c share: options and errors, memory, text,
   output, input, times, the choice of streams and fields. Included once, by telem.c. */
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
#define NO_RETURN __attribute__((noreturn))
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
    size_t i, n = (size_t)snprintf(line, sizeof line, "telem: %s%s", file ? file : "", file ? ": " : "");
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
    if (!p) die(NULL, "out of memory (%zu x %zu bytes); choose fewer streams or fields", count, size);
    return p;
}

static char *copy_string(const char *s) { return strcpy((char *)grow(NULL, strlen(s) + 1), s); }

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

/* Bytes of a UTF-8 character at s, 0 when it is none (RFC 3629: no overlong form, no surrogate). */
static size_t utf8_length(const unsigned char *s, size_t left) {
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
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
        quote = s[i] == ',' || s[i] == '"' || s[i] == '\n' || s[i] == '\r' || s[i] == ';' || s[i] == '\t';
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
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    size_t i;
    atexit(temps_remove);
    signal(SIGPIPE, SIG_IGN); /* a reader that went away shows as EPIPE in out_flush */
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

/* The file behind symbolic links, so that a rename replaces it and not the link. */
static char *out_target(const char *path) {
    char *real = realpath(path, NULL);
    return real ? real : copy_string(path);
}

static void out_temp(out *o, mode_t mode) {
    size_t n = strlen(o->target);
    char *temp = (char *)grow(NULL, n + 16);
    for (o->slot = 0; o->slot < TEMPS_MAX && temps[o->slot]; o->slot++) {}
    if (o->slot == TEMPS_MAX) die(o->path, "more than %d outputs at once; choose fewer with --stream", TEMPS_MAX);
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
        o->target = copy_string(path);
        out_temp(o, (mode_t)(0666 & ~mask));
    } else if (S_ISDIR(st.st_mode)) die(path, "is a directory; name a file in it");
    else if (S_ISREG(st.st_mode)) {
        o->target = out_target(path);
        out_temp(o, st.st_mode & 07777);
    } else if ((o->fd = open(path, O_WRONLY | O_NOCTTY)) < 0) die(path, "cannot write: %s", strerror(errno));
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
            die(o->path, "cannot write at byte %" PRIu64 ": %s; make room or choose another place", o->total, strerror(errno));
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
    if (close(o->fd) != 0 && errno != EINTR) die(o->path, "cannot write: %s; make room", strerror(errno));
    if (o->target) {
        if (rename(temps[o->slot], o->target) != 0) die(o->path, "cannot rename: %s", strerror(errno));
        free(temps[o->slot]);
        temps[o->slot] = NULL;
        free(o->target);
    }
    free(o);
}

/* ------------------------------------------------------------------------------ numbers ---- */

static uint64_t power10(unsigned n) {
    uint64_t v = 1;
    while (n--) v *= 10;
    return v;
}

/* A decimal number as text, exactly: value = mantissa * 10^exponent. */
typedef struct decimal {
    int64_t mantissa;
    int exponent;
} decimal;

static size_t decimal_digits(const char *s, size_t n, size_t i, uint64_t *v, int *dropped) {
    for (; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
        if (*v >= 900000000000000000u) *dropped += 1; /* the 19th digit and more */
        else *v = *v * 10 + (uint64_t)(s[i] - '0');
        if (*dropped && s[i] != '0') *dropped = 1000;
    }
    return i;
}

static size_t decimal_exponent(const char *s, size_t n, size_t i, int *exponent) {
    size_t start;
    int v = 0, minus = 0;
    if (i >= n || (s[i] != 'e' && s[i] != 'E')) return i;
    if (++i < n && (s[i] == '-' || s[i] == '+')) minus = s[i++] == '-';
    for (start = i; i < n && s[i] >= '0' && s[i] <= '9'; i++)
        if (v < 1000) v = v * 10 + (s[i] - '0');
    if (i == start) return 0; /* an e without a number never ends at n */
    *exponent += minus ? -v : v;
    return i;
}

/* 1 when all n bytes are a decimal number of at most 18 significant digits. */
static int decimal_parse(const char *s, size_t n, decimal *d) {
    uint64_t v = 0;
    int dropped = 0, exponent = 0, minus = 0;
    size_t i = 0, start, digits;
    if (i < n && (s[i] == '-' || s[i] == '+')) minus = s[i++] == '-';
    start = i;
    i = decimal_digits(s, n, i, &v, &dropped);
    exponent = dropped;
    digits = i - start;
    if (i < n && s[i] == '.') {
        int before = dropped;
        start = i + 1;
        i = decimal_digits(s, n, start, &v, &dropped);
        exponent -= (int)(i - start) - (dropped - before);
        digits += i - start;
    }
    if (digits == 0) return 0;
    i = decimal_exponent(s, n, i, &exponent);
    if (i != n || dropped >= 1000) return 0;
    while (v && v % 10 == 0 && exponent < 0) v /= 10, exponent++;
    d->mantissa = minus ? -(int64_t)v : (int64_t)v;
    d->exponent = v ? exponent : 0;
    return 1;
}

/* value * 10^scale as an integer, rounded; 0 when it does not fit. */
static int decimal_scaled(const decimal *d, int scale, int64_t *v) {
    int e = d->exponent + scale;
    uint64_t mag = d->mantissa < 0 ? (uint64_t)-d->mantissa : (uint64_t)d->mantissa;
    if (e < -19) e = -19;
    if (mag && (e > 18 || (e > 0 && mag > (uint64_t)INT64_MAX / power10((unsigned)e)))) return 0;
    if (mag == 0) *v = 0;
    else if (e >= 0) *v = d->mantissa * (int64_t)power10((unsigned)e);
    else *v = telem_muldiv(d->mantissa, 1, power10((unsigned)-e));
    return 1;
}

/* --------------------------------------------------------------------------------- time ---- */

static uint64_t clock_num(const telem_clock *c) { return c->hz_num ? c->hz_num : 1000000000u; }
static uint32_t clock_den(const telem_clock *c) { return c->hz_den ? c->hz_den : 1u; }

/* Decimals that tell any tick of 1/num seconds: exact when num divides a power of ten, else enough
   to tell neighbours apart. */
static unsigned clock_decimals(uint64_t num) {
    unsigned d;
    for (d = 0; d <= 18; d++)
        if (power10(d) % num == 0) return d;
    for (d = 9; d < 18 && power10(d) / 10 < num; d++) {}
    return d;
}

/* Ticks as decimal seconds without a float in between: "12.000123". buf: 48 bytes. */
static size_t print_seconds(const telem_clock *c, int64_t ticks, char *buf) {
    uint64_t num = clock_num(c), mag, whole, part;
    unsigned d;
    int n;
    if (clock_den(c) != 1 || num > power10(18)) {
        ticks = telem_ticks_to_ns(c, ticks);
        num = power10(9);
    }
    mag = ticks < 0 ? (uint64_t)0 - (uint64_t)ticks : (uint64_t)ticks;
    d = clock_decimals(num);
    whole = mag / num;
    part = (uint64_t)telem_muldiv((int64_t)(mag % num), power10(d), num);
    if (part == power10(d)) whole++, part = 0;
    while (d && part % 10 == 0) part /= 10, d--;
    n = snprintf(buf, 48, "%s%" PRIu64, ticks < 0 && mag ? "-" : "", whole);
    if (d) n += snprintf(buf + n, (size_t)(48 - n), ".%0*" PRIu64, (int)d, part);
    return (size_t)n;
}

static double ticks_seconds(const telem_clock *c, int64_t ticks) {
    return (double)ticks / (double)clock_num(c) * (double)clock_den(c);
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible
   low-level date algorithms"). */
static int64_t days_from_civil(int64_t y, unsigned m, unsigned d) {
    int64_t era, yoe, doy;
    y -= m <= 2;
    era = (y >= 0 ? y : y - 399) / 400;
    yoe = y - era * 400;
    doy = (153 * (int64_t)(m > 2 ? m - 3 : m + 9) + 2) / 5 + (int64_t)d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* A POSIX time as 2026-11-20T12:00:00.5Z. buf: 48 bytes. */
static const char *print_utc(int64_t ns, char *buf) {
    int64_t part = ns % 1000000000, s = ns / 1000000000;
    time_t t;
    struct tm tm;
    int n, d = 9;
    if (part < 0) part += 1000000000, s--;
    t = (time_t)s;
    if (!gmtime_r(&t, &tm)) return "?";
    n = snprintf(buf, 48, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    while (d && part % 10 == 0) part /= 10, d--;
    if (d) n += snprintf(buf + n, (size_t)(48 - n), ".%0*" PRId64, d, part);
    snprintf(buf + n, (size_t)(48 - n), "Z");
    return buf;
}

/* Exactly `count` digits at s[*i]; moves *i. */
static int iso_number(const char *s, size_t n, size_t *i, unsigned count, unsigned *v) {
    for (*v = 0; count; count--, (*i)++) {
        if (*i >= n || !isdigit((unsigned char)s[*i])) return 0;
        *v = *v * 10 + (unsigned)(s[*i] - '0');
    }
    return 1;
}

static int iso_sign(const char *s, size_t n, size_t *i, char c) {
    if (*i >= n || s[*i] != c) return 0;
    (*i)++;
    return 1;
}

/* Z, +01:00, -0500 or nothing (UTC), to the end. */
static int iso_zone(const char *s, size_t n, size_t i, int *minutes) {
    unsigned h, m = 0;
    int minus;
    *minutes = 0;
    if (i == n || (i + 1 == n && (s[i] == 'Z' || s[i] == 'z'))) return 1;
    minus = s[i] == '-';
    if (!minus && s[i] != '+') return 0;
    i++;
    if (!iso_number(s, n, &i, 2, &h)) return 0;
    iso_sign(s, n, &i, ':');
    if (i < n && !iso_number(s, n, &i, 2, &m)) return 0;
    *minutes = (int)(h * 60 + m) * (minus ? -1 : 1);
    return i == n && h < 24 && m < 60;
}

/* .123456789 (more digits are dropped) */
static int64_t iso_fraction(const char *s, size_t n, size_t *i) {
    int64_t ns = 0, unit = 100000000;
    if (*i >= n || (s[*i] != '.' && s[*i] != ',')) return 0;
    for ((*i)++; *i < n && isdigit((unsigned char)s[*i]); (*i)++, unit /= 10) ns += unit * (s[*i] - '0');
    return ns;
}

/* 2026-11-20, 2026-11-20T12:34, 2026-11-20 12:34:56.789+01:00 as POSIX ns. 1 when it is one. */
static int iso_parse(const char *s, size_t n, int64_t *ns) {
    unsigned y, mo, d, h = 0, mi = 0, sec = 0;
    int zone = 0;
    int64_t part = 0, t;
    size_t i = 0;
    if (!iso_number(s, n, &i, 4, &y) || !iso_sign(s, n, &i, '-') || !iso_number(s, n, &i, 2, &mo) ||
        !iso_sign(s, n, &i, '-') || !iso_number(s, n, &i, 2, &d))
        return 0;
    if (i < n) {
        if (s[i] != 'T' && s[i] != 't' && s[i] != ' ') return 0;
        i++;
        if (!iso_number(s, n, &i, 2, &h) || !iso_sign(s, n, &i, ':') || !iso_number(s, n, &i, 2, &mi)) return 0;
        if (iso_sign(s, n, &i, ':')) {
            if (!iso_number(s, n, &i, 2, &sec)) return 0;
            part = iso_fraction(s, n, &i);
        }
        if (!iso_zone(s, n, i, &zone)) return 0;
    }
    if (mo < 1 || mo > 12 || d < 1 || d > 31 || h > 24 || mi > 59 || sec > 60 || y < 1678 || y > 2261) return 0;
    t = days_from_civil((int64_t)y, mo, d) * 86400 + (int64_t)h * 3600 + (int64_t)mi * 60 + (int64_t)sec - zone * 60;
    *ns = t * 1000000000 + part;
    return 1;
}

/* A time as the user gives it. */
typedef struct when {
    enum { WHEN_NONE, WHEN_RELATIVE, WHEN_SECONDS, WHEN_TICKS, WHEN_UTC } kind;
    int64_t value; /* ns, or ticks */
} when;

static const struct unit { const char *name; uint64_t ns; } time_units[] = {
    {"s", 1000000000u}, {"ms", 1000000u}, {"us", 1000u}, {"ns", 1u}, {"min", 60000000000u},
    {"m", 60000000000u}, {"h", 3600000000000u}, {"d", 86400000000000u}, {"", 1000000000u}};

/* "250ms" as nanoseconds. */
static int duration_parse(const char *s, int64_t *ns) {
    size_t n = strlen(s), k, i;
    decimal d;
    for (i = 0; i < sizeof time_units / sizeof *time_units; i++) {
        k = strlen(time_units[i].name);
        if (k >= n || strcmp(s + n - k, time_units[i].name) != 0 || !decimal_parse(s, n - k, &d)) continue;
        if (d.exponent < -18 || d.exponent > 18) return 0;
        *ns = d.exponent < 0 ? telem_muldiv(d.mantissa, time_units[i].ns, power10((unsigned)-d.exponent))
                             : telem_muldiv(telem_muldiv(d.mantissa, power10((unsigned)d.exponent), 1), time_units[i].ns, 1);
        return 1;
    }
    return 0;
}

static int ticks_parse(const char *s, int64_t *ticks) {
    size_t n = strlen(s);
    return n > 5 && strcmp(s + n - 5, "ticks") == 0 && telem_parse_i64(s, n - 5, ticks) == TELEM_OK;
}

/* 5 5s +250ms: after the start. @12.5 @12500ms @12500000ticks: on the stream's own clock.
   2026-11-20T12:00:00Z: UTC. */
static when when_parse(const char *command, const char *option, const char *s) {
    when w = {WHEN_NONE, 0};
    if (s[0] == '@') {
        if (ticks_parse(s + 1, &w.value)) w.kind = WHEN_TICKS;
        else if (duration_parse(s + 1, &w.value)) w.kind = WHEN_SECONDS;
    } else if (iso_parse(s, strlen(s), &w.value)) w.kind = WHEN_UTC;
    else if (duration_parse(s, &w.value)) w.kind = WHEN_RELATIVE;
    if (w.kind == WHEN_NONE)
        usage_error(command, "%s \"%s\" is no time; give 5s, 250ms (after the start), @12.5 (the stream's clock) or 2026-11-20T12:00:00Z", option, s);
    return w;
}

/* -------------------------------------------------------------------------------- input ---- */

/* What a pass over a file found missing. */
typedef struct losses {
    uint64_t missing, ledger, damaged; /* rows, records, places */
    uint8_t at_least, unfinished;      /* unfinished: no end block */
    telem_error first;                 /* of the damage */
} losses;

/* A telem file or pipe, being read. */
typedef struct source {
    const char *path;
    int fd;
    uint64_t size; /* 0: unknown */
    telem_io base, io;
    text seen;     /* a pipe's first bytes, to start again with more memory */
    size_t replay;
    uint8_t keep, finished;
    void *memory;
    size_t memory_size;
    losses lost;
    telem_file_reader r;
} source;

#define MEMORY_FIRST ((size_t)64 << 20)
#define MEMORY_MOST ((size_t)1 << 32)

static int64_t source_read(void *user, void *buf, size_t n) {
    source *s = (source *)user;
    int64_t got;
    if (s->replay < s->seen.n) {
        if (n > s->seen.n - s->replay) n = s->seen.n - s->replay;
        memcpy(buf, s->seen.s + s->replay, n);
        s->replay += n;
        return (int64_t)n;
    }
    got = s->base.read(s->base.user, buf, n);
    if (got > 0 && s->keep) {
        text_add(&s->seen, (const char *)buf, (size_t)got);
        s->replay = s->seen.n;
    }
    return got;
}

static telem_result source_seek(void *user, uint64_t pos) {
    source *s = (source *)user;
    return s->base.seek(s->base.user, pos);
}

static int64_t source_size(void *user) {
    source *s = (source *)user;
    return s->base.size(s->base.user);
}

static int source_seekable(const source *s) { return s->io.seek != NULL; }

/* Opens a file for reading, with words for what it may be instead. "-": standard input. */
static int open_input(const char *path, uint64_t *size, int *regular) {
    struct stat st;
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) die(path, "no such file; check the name");
    if (fd < 0) die(path, "cannot read: %s", strerror(errno));
    if (fstat(fd, &st) != 0) die(path, "cannot read: %s", strerror(errno));
    if (S_ISDIR(st.st_mode)) die(path, "is a directory; name a file in it");
    *regular = S_ISREG(st.st_mode);
    *size = *regular ? (uint64_t)st.st_size : 0;
    if (*regular && st.st_size == 0) die(path, "is empty (0 bytes): nothing was recorded into it");
    return fd;
}

NO_RETURN static void source_refused(source *s, telem_result r) {
    telem_error e = telem_file_reader_error(&s->r);
    unsigned char head[256];
    size_t i, n = s->seen.n < sizeof head ? s->seen.n : sizeof head;
    const char *what = e.what ? e.what : telem_result_text(r);
    if (n) memcpy(head, s->seen.s, n);
    else {
        ssize_t got = pread(s->fd, head, sizeof head, 0);
        n = got > 0 ? (size_t)got : 0;
    }
    if (n == 0) die(s->path, "is empty (0 bytes): nothing was recorded into it");
    for (i = 0; i < n && (head[i] >= 32 || (head[i] >= 9 && head[i] <= 13)); i++) {}
    if (r == TELEM_ERR_CORRUPT && i == n)
        die(s->path, "is text, not a telem file (at byte 0); a CSV becomes one by: telem import %s out.tlm", s->path);
    if (r == TELEM_ERR_CORRUPT) die(s->path, "is not a telem file: %s at byte %" PRIu64, what, e.offset);
    if (r == TELEM_ERR_TRUNCATED) die(s->path, "is cut inside its header (at byte %" PRIu64 "): no rows are left in it", e.offset);
    die(s->path, "cannot be read: %s at byte %" PRIu64 "; a newer telem may", what, e.offset);
}

static telem_result source_start(source *s) {
    telem_file_reader_desc d = TELEM_ZERO;
    s->memory = grow(s->memory, s->memory_size);
    d.io = &s->io;
    d.memory = s->memory;
    d.memory_size = s->memory_size;
    s->replay = 0;
    if (s->base.seek && s->base.seek(s->base.user, 0) != TELEM_OK) return TELEM_ERR_IO;
    return telem_file_reader_open(&s->r, &d);
}

/* Memory grows until the limits in the stream's header fit. */
static source *source_open(const char *path) {
    source *s = (source *)zalloc(1, sizeof *s);
    int regular;
    telem_result r;
    s->path = strcmp(path, "-") == 0 ? "standard input" : path;
    s->fd = open_input(path, &s->size, &regular);
    s->base = s->io = telem_io_fd(s->fd);
    s->io.user = s;
    s->io.read = source_read;
    s->io.write = NULL;
    s->io.sync = NULL;
    s->io.truncate = NULL;
    s->io.allocate = NULL;
    s->io.map = NULL;
    if (!regular) s->base.seek = s->io.seek = NULL;
    if (s->io.seek) s->io.seek = source_seek, s->io.size = source_size;
    else s->io.size = NULL, s->keep = 1;
    s->memory_size = MEMORY_FIRST;
    while ((r = source_start(s)) == TELEM_ERR_MEMORY || r == TELEM_ERR_LIMIT) {
        if (s->memory_size >= MEMORY_MOST) die(s->path, "wants more than %zu MiB of memory for one block: refused", MEMORY_MOST >> 20);
        s->memory_size *= 2;
    }
    if (r != TELEM_OK) source_refused(s, r);
    s->keep = 0;
    return s;
}

static void source_close(source *s) {
    if (s->fd != STDIN_FILENO) close(s->fd);
    free(s->memory);
    free(s->seen.s);
    free(s);
}

/* Stream number i; NULL when its schema was lost, so that nothing is known of it but its id. */
static telem_file_stream *source_stream(source *s, uint32_t i) {
    telem_file_stream *st = telem_file_reader_stream(&s->r, i);
    return st && st->schema ? st : NULL;
}

static void source_wait(const source *s) {
    struct pollfd wait = {0, POLLIN, 0};
    wait.fd = s->fd;
    poll(&wait, 1, -1);
}

static void source_count(source *s, const telem_file_item *item) {
    losses *l = &s->lost;
    if (item->kind == TELEM_ITEM_MISSING) l->missing += item->count, l->at_least |= item->at_least;
    if (item->kind == TELEM_ITEM_LOSS) l->ledger += item->loss.count, l->at_least |= item->loss.at_least;
    if (item->kind == TELEM_ITEM_DAMAGE && l->damaged++ == 0) l->first = item->error;
}

/* The next item: 1, or 0 at the end, where also an unfinished block is told. */
static int source_next(source *s, telem_file_item *item) {
    for (;;) {
        telem_result r = telem_file_next(&s->r, item);
        if (r == TELEM_OK) {
            source_count(s, item);
            if (item->stream && !item->stream->schema) item->stream = NULL;
            progress(s->path, item->offset, s->size);
            return 1;
        }
        if (r == TELEM_AGAIN) source_wait(s);
        else if (r == TELEM_END && s->finished) {
            progress_clear();
            s->lost.unfinished = !telem_file_reader_ended(&s->r);
            return 0;
        } else if (r == TELEM_END) {
            s->finished = 1;
            telem_file_reader_finish(&s->r);
        } else {
            telem_error e = telem_file_reader_error(&s->r);
            die(s->path, "cannot read on at byte %" PRIu64 ": %s", e.offset, e.what ? e.what : telem_result_text(r));
        }
    }
}

/* One line about what is not there, and the exit code that says so. */
static int source_verdict(const source *s) {
    const losses *l = &s->lost;
    char a[32], b[32];
    text t = {NULL, 0, 0};
    if (l->missing) text_printf(&t, "%s%s rows are missing in the file", l->at_least ? "at least " : "", thousands(l->missing, a));
    if (l->ledger) text_printf(&t, "%s%s records were lost before it", t.n ? ", " : "", thousands(l->ledger, b));
    if (l->damaged)
        text_printf(&t, "%s%s at byte %" PRIu64 " (%s%s)", t.n ? ", " : "", l->first.code == TELEM_ERR_UNSUPPORTED ? "a block is unknown" : l->first.code == TELEM_ERR_TRUNCATED ? "it is cut" : "it is damaged",
                    l->first.offset, l->first.what ? l->first.what : "", l->damaged > 1 ? ", and more" : "");
    if (!t.n) return EXIT_OK;
    note(s->path, "%s; telem info lists what is lost", t.s);
    free(t.s);
    return EXIT_LOST;
}

/* ---------------------------------------------------------------------- streams, fields ---- */

/* Names from repeated options and comma lists. */
typedef struct names {
    char **name;
    uint8_t *used;
    size_t n;
} names;

static void names_add(names *list, const char *s) {
    while (*s) {
        size_t n = strcspn(s, ",");
        if (n) {
            list->name = (char **)grow(list->name, (list->n + 1) * sizeof *list->name);
            list->used = (uint8_t *)grow(list->used, list->n + 1);
            list->name[list->n] = (char *)zalloc(n + 1, 1);
            memcpy(list->name[list->n], s, n);
            list->used[list->n++] = 0;
        }
        s += n + (s[n] == ',');
    }
}

/* No list: everything. Patterns are those of the shell. */
static int names_match(names *list, const char *name) {
    size_t i;
    int found = list->n == 0;
    for (i = 0; i < list->n; i++)
        if (strcmp(list->name[i], name) == 0 || fnmatch(list->name[i], name, 0) == 0) found = list->used[i] = 1;
    return found;
}

static const char *names_unused(const names *list) {
    size_t i;
    for (i = 0; i < list->n; i++)
        if (!list->used[i]) return list->name[i];
    return NULL;
}

/* One element of one column. */
typedef struct column {
    telem_column c;
    uint32_t element;
    char *path;
} column;

typedef struct columns {
    column *at;
    size_t n, cap;
} columns;

/* An absent value is all zero, inner presence bytes included: the innermost one tells. */
static int column_present(const column *c, const uint8_t *row) {
    return c->c.guard == TELEM_NO_GUARD || row[c->c.guard];
}

static const uint8_t *column_at(const column *c, const uint8_t *row) {
    return row + c->c.row + (size_t)c->element * c->c.width;
}

static int column_text(const column *c) { return c->c.type >= TELEM_CHARS && c->c.type <= TELEM_BLOB; }

static void columns_push(columns *list, const telem_column *c, uint32_t element, const char *path) {
    if (list->n == list->cap) {
        list->cap = list->cap * 2 + 16;
        list->at = (column *)grow(list->at, list->cap * sizeof *list->at);
    }
    list->at[list->n].c = *c;
    list->at[list->n].element = element;
    list->at[list->n++].path = copy_string(path);
}

/* "pos" chooses pos, pos.x, pos[0], pos[0].y. The number of the first that does, or list->n. */
static size_t path_chosen(names *list, const char *path) {
    size_t i, found = list->n;
    for (i = list->n; i-- > 0;) {
        size_t n = strlen(list->name[i]);
        if ((strncmp(list->name[i], path, n) == 0 && (path[n] == 0 || path[n] == '.' || path[n] == '[')) ||
            fnmatch(list->name[i], path, 0) == 0) {
            list->used[i] = 1;
            found = i;
        }
    }
    return found;
}

/* The columns whose path `fields` chooses by its name number `turn`. */
static void columns_turn(columns *list, const telem_schema *schema, names *fields, size_t turn) {
    telem_columns it;
    telem_column c;
    char path[4096];
    uint32_t e;
    telem_columns_begin(&it, schema);
    while (telem_columns_next(&it, &c))
        for (e = 0; e < c.count && !c.presence; e++) {
            telem_columns_name(&it, &c, e, path, sizeof path);
            if (path_chosen(fields, path) == turn) columns_push(list, &c, e, path);
        }
}

/* The value columns of a schema, element by element: all, or those chosen in the order chosen. */
static columns columns_choose(const telem_schema *schema, names *fields) {
    columns list = {NULL, 0, 0};
    size_t turn = 0;
    do columns_turn(&list, schema, fields, turn);
    while (++turn < fields->n);
    return list;
}

static void columns_free(columns *list) {
    size_t i;
    for (i = 0; i < list->n; i++) free(list->at[i].path);
    free(list->at);
    memset(list, 0, sizeof *list);
}

/* ---------------------------------------------------------------------- clocks, ranges ---- */

/* The name of a stream id, as known by now. */
static const char *stream_name(source *s, uint32_t id) {
    uint32_t i, n = telem_file_reader_stream_count(&s->r);
    for (i = 0; i < n; i++) {
        const telem_file_stream *st = source_stream(s, i);
        if (st && st->id == id) return st->name;
    }
    return id == TELEM_ALL_STREAMS ? "all" : "unknown";
}

static telem_clock source_clock(source *s, uint32_t id) {
    const char *name;
    return telem_file_reader_clock(&s->r, id, &name);
}

/* Moments seen on a stream's clock and on a UTC clock, gathered by a pass over the file. */
typedef struct utc_map {
    int64_t *ticks, *utc; /* ns */
    size_t n;
} utc_map;

static void utc_map_add(utc_map *m, int64_t ticks, int64_t utc) {
    m->ticks = (int64_t *)grow(m->ticks, (m->n + 1) * sizeof *m->ticks);
    m->utc = (int64_t *)grow(m->utc, (m->n + 1) * sizeof *m->utc);
    m->ticks[m->n] = ticks;
    m->utc[m->n++] = utc;
}

static void utc_map_item(utc_map *m, source *s, uint32_t clock, const telem_sync *p) {
    telem_clock a = source_clock(s, p->clock_a), b = source_clock(s, p->clock_b);
    if (p->clock_a == clock && b.domain == TELEM_DOMAIN_UTC) utc_map_add(m, p->ticks_a, telem_ticks_to_ns(&b, p->ticks_b));
    else if (p->clock_b == clock && a.domain == TELEM_DOMAIN_UTC) utc_map_add(m, p->ticks_b, telem_ticks_to_ns(&a, p->ticks_a));
}

/* UTC to ticks: linear between two pairs, at the nominal rate outside (section 10 of the format).
   Pairs are in the order of the file, which is that of their times. */
static int64_t utc_map_ticks(const utc_map *m, const telem_clock *clock, int64_t utc) {
    size_t i = 0;
    while (i < m->n && m->utc[i] <= utc) i++;
    if (i == 0) return m->ticks[0] + telem_ns_to_ticks(clock, utc - m->utc[0]);
    if (i < m->n && m->utc[i] > m->utc[i - 1] && m->ticks[i] >= m->ticks[i - 1])
        return m->ticks[i - 1] + telem_muldiv(utc - m->utc[i - 1], (uint64_t)(m->ticks[i] - m->ticks[i - 1]), (uint64_t)(m->utc[i] - m->utc[i - 1]));
    return m->ticks[i - 1] + telem_ns_to_ticks(clock, utc - m->utc[i - 1]);
}

/* What part of the time the user wants. */
typedef struct range {
    when start, end;
    int64_t last; /* ns; 0: not asked */
} range;

static int range_asked(const range *r) { return r->start.kind || r->end.kind || r->last; }

/* The range in ticks of one clock. */
typedef struct bounds {
    int64_t from, to; /* both included */
} bounds;

static int64_t ticks_after(int64_t a, int64_t b) { /* saturating */
    return b > 0 && a > INT64_MAX - b ? INT64_MAX : b < 0 && a < INT64_MIN - b ? INT64_MIN : a + b;
}

static int64_t when_ticks(source *s, const when *w, const telem_clock *clock, int64_t origin, const utc_map *map) {
    switch (w->kind) {
    case WHEN_RELATIVE: return ticks_after(origin, telem_ns_to_ticks(clock, w->value));
    case WHEN_SECONDS: return telem_ns_to_ticks(clock, w->value);
    case WHEN_UTC:
        if (clock->domain == TELEM_DOMAIN_UTC) return telem_ns_to_ticks(clock, w->value);
        if (map && map->n) return utc_map_ticks(map, clock, w->value);
        die(s->path, "its clock is not tied to UTC; give times after the start, such as 5s");
    case WHEN_NONE:
    case WHEN_TICKS:
    default: return w->value;
    }
}

static bounds range_bounds(source *s, const range *r, const telem_clock *clock, int64_t first, int64_t last, const utc_map *map) {
    bounds b = {INT64_MIN, INT64_MAX};
    if (r->start.kind) b.from = when_ticks(s, &r->start, clock, first, map);
    if (r->end.kind) b.to = when_ticks(s, &r->end, clock, first, map);
    if (r->last) b.from = ticks_after(last, -telem_ns_to_ticks(clock, r->last));
    return b;
}

/* First and last time of each clock over all streams of a file that seeks. */
typedef struct span {
    uint32_t clock;
    int64_t first, last;
} span;

typedef struct spans {
    span *at;
    size_t n;
    telem_file_totals *totals; /* one per stream */
    uint32_t streams;
} spans;

static span *spans_find(spans *list, uint32_t clock) {
    size_t i;
    for (i = 0; i < list->n; i++)
        if (list->at[i].clock == clock) return &list->at[i];
    return NULL;
}

static void spans_add(spans *list, uint32_t clock, int64_t first, int64_t last) {
    span *p = spans_find(list, clock);
    if (!p) {
        list->at = (span *)grow(list->at, (list->n + 1) * sizeof *list->at);
        p = &list->at[list->n++];
        p->clock = clock;
        p->first = first;
        p->last = last;
    }
    if (first < p->first) p->first = first;
    if (last > p->last) p->last = last;
}

static spans spans_scan(source *s) {
    spans list = {NULL, 0, NULL, 0};
    int64_t n = telem_file_reader_scan(&s->r, NULL, 0), i;
    if (n >= 0) {
        list.totals = (telem_file_totals *)zalloc((size_t)n, sizeof *list.totals);
        n = telem_file_reader_scan(&s->r, list.totals, (uint32_t)n);
    }
    if (n < 0) die(s->path, "cannot be scanned: %s", telem_result_text((telem_result)n));
    list.streams = (uint32_t)n;
    for (i = 0; i < n; i++) {
        const telem_file_stream *st = source_stream(s, (uint32_t)i);
        if (st && list.totals[i].first <= list.totals[i].last) spans_add(&list, st->clock_id, list.totals[i].first, list.totals[i].last);
    }
    return list;
}

static void spans_free(spans *list) {
    free(list->at);
    free(list->totals);
    memset(list, 0, sizeof *list);
}

/* ------------------------------------------------------------------------------ options ---- */

static uint64_t option_number(const char *command, const char *option, const char *s, uint64_t most) {
    uint64_t v;
    if (telem_parse_u64(s, strlen(s), &v) != TELEM_OK || v > most)
        usage_error(command, "%s \"%s\" is no number from 0 to %" PRIu64 "; see telem %s --help", option, s, most, command);
    return v;
}

static int64_t option_duration(const char *command, const char *option, const char *s) {
    int64_t ns;
    if (!duration_parse(s, &ns) || ns <= 0)
        usage_error(command, "%s \"%s\" is no duration; give 10s, 250ms, 5min", option, s);
    return ns;
}

/* What getopt_long met: "?" unknown, ":" without its value. One line, exit 2. */
NO_RETURN static void option_error(const char *command, char **argv, int c) {
    const char *arg = optind > 0 ? argv[optind - 1] : "";
    usage_error(command, "%s %s; see telem %s --help", arg, c == ':' ? "wants a value" : "is no option of this command", command);
}

NO_RETURN static void print_help(const char *help) {
    out *o = out_open(NULL);
    out_puts(o, help);
    out_close(o);
    exit(EXIT_OK);
}

#endif
