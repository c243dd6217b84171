/* tool_import.h - telem import: a CSV becomes a telem file of one stream. Two passes: the first
   finds the smallest type that holds every value of a column, the second writes. */

static const char import_help[] =
    "usage: telem import [options] DATA.csv OUT.tlm\n"
    "Makes a telem file of one stream from a CSV (RFC 4180; also ; tab or | between the cells).\n"
    "- is standard input or output.\n"
    "\n"
    "      --sep C        the separator (default: found in the first line); \\t is a tab\n"
    "      --header       the first row is names      (default: it is when none of its cells\n"
    "      --no-header    the first row is data        is a number; only the first or last may be\n"
    "                                               empty)\n"
    "  -t, --time COL     the time column, by name or number from 1; none: number the rows\n"
    "      --name NAME    the stream's name (default: the file's)\n"
    "      --strict       a column of numbers and text is an error, not a column of strings\n"
    "  -q, --quiet        no notes on stderr\n"
    "  -h, --help         this text\n"
    "\n"
    "Short rows, decimal commas, digits that are lost and the like are told on stderr.\n"
    "\n"
    "types   the smallest that holds all values: bool (true, false), u8 .. i64, f32 when every\n"
    "        value survives it, f64, else string; an empty cell is no value, \"\" an empty string\n"
    "units   from the header: speed[m/s] or speed (m/s)\n"
    "time    a column called t, time, timestamp, date or ts (with _s _ms _us _ns or [ms]) that never\n"
    "        decreases; ISO 8601 and numbers that are POSIX times since 2001 become UTC. Without\n"
    "        one the rows are numbered, one to a second.\n"
    "limits  1 MiB in a cell, 16 MiB in a row, 65,535 columns\n"
    "\n"
    "exit: 0 ok, 1 failure, 2 usage; on failure no output is left\n"
    "\n"
    "examples:\n"
    "  telem import power.csv power.tlm && telem plot power.tlm -o power.svg\n"
    "  zcat log.csv.gz | telem import --time stamp_ms --name log - log.tlm\n";

#define IMPORT_CELL_MAX ((size_t)1 << 20)
#define IMPORT_ROW_MAX  ((size_t)16 << 20)

/* ---- reading CSV ---- */

typedef struct csv_cell {
    size_t at, n; /* in csv.data */
    uint8_t quoted;
} csv_cell;

typedef struct csv {
    const char *path;
    int fd;
    uint64_t size, offset; /* of the file; of buf[at] in it */
    char sep;
    size_t have, at;
    uint64_t row, row_offset, blanks; /* the row read last, from 1; its first byte; blank lines */
    csv_cell *cells;
    size_t n, cap;
    text data;
    char buf[65536];
} csv;

static int csv_fill(csv *c) {
    ssize_t got;
    do got = read(c->fd, c->buf, sizeof c->buf);
    while (got < 0 && errno == EINTR);
    if (got < 0) die(c->path, "cannot read at byte %" PRIu64 ": %s", c->offset, strerror(errno));
    if (c->offset == 0 && got >= 8 && memcmp(c->buf, "\x89TLM\r\n\x1a\n", 8) == 0)
        die(c->path, "is a telem file already; telem cat -f csv makes CSV of it");
    c->at = 0;
    c->have = (size_t)got;
    progress(c->path, c->offset, c->size);
    return got > 0;
}

/* The next byte, or -1 at the end. csv_next moves past it. */
static int csv_peek(csv *c) {
    if (c->at == c->have && !csv_fill(c)) return -1;
    return (unsigned char)c->buf[c->at];
}
static void csv_next(csv *c) { c->at++, c->offset++; }

static csv_cell *csv_begin_cell(csv *c) {
    if (c->n == c->cap) {
        c->cap = c->cap * 2 + 32;
        c->cells = (csv_cell *)grow(c->cells, c->cap * sizeof *c->cells);
    }
    c->cells[c->n].at = c->data.n;
    c->cells[c->n].n = 0;
    c->cells[c->n].quoted = 0;
    return &c->cells[c->n++];
}

/* Moves n bytes of the buffer into the cell. */
static void csv_take(csv *c, size_t n) {
    if (n > IMPORT_CELL_MAX - (c->data.n - c->cells[c->n - 1].at))
        die(c->path,
            "cell %zu of row %" PRIu64 " is longer than 1 MiB (at byte %" PRIu64
            "); a quote that is not closed, or data to keep elsewhere",
            c->n, c->row, c->offset);
    if (n > IMPORT_ROW_MAX - c->data.n)
        die(c->path, "row %" PRIu64 " is longer than 16 MiB (at byte %" PRIu64 "); split it",
            c->row, c->row_offset);
    text_add(&c->data, c->buf + c->at, n);
    c->at += n;
    c->offset += n;
}

/* How many bytes of the buffer are plain content from here on. */
static size_t csv_plain(const csv *c, int quoted) {
    size_t i;
    for (i = c->at; i < c->have; i++) {
        char ch = c->buf[i];
        if (ch == 0 || (quoted ? ch == '"' : ch == c->sep || ch == '\n' || ch == '\r')) break;
    }
    return i - c->at;
}

/* Takes plain content up to what ends it, which is returned; -1 at the end of the file. */
static int csv_take_plain(csv *c, int quoted) {
    int ch;
    while ((ch = csv_peek(c)) != -1) {
        size_t n = csv_plain(c, quoted);
        if (n == 0) break;
        csv_take(c, n);
    }
    if (ch == 0)
        die(c->path,
            "is no text: a zero byte in row %" PRIu64 " (at byte %" PRIu64
            "); is it UTF-16? iconv -t UTF-8 helps",
            c->row, c->offset);
    return ch;
}

/* Behind an opening quote, to the closing one. */
static void csv_quoted(csv *c) {
    uint64_t opened = c->offset - 1;
    while (csv_take_plain(c, 1) != -1) {
        csv_next(c);
        if (csv_peek(c) != '"') return;
        csv_take(c, 1); /* a doubled quote is one */
    }
    die(c->path,
        "the quote opened in row %" PRIu64 " (at byte %" PRIu64
        ") is never closed; add the missing \"",
        c->row, opened);
}

static void csv_cell_read(csv *c) {
    csv_cell *cell = csv_begin_cell(c);
    if (csv_peek(c) == '"') {
        cell->quoted = 1;
        csv_next(c);
        csv_quoted(c);
    }
    csv_take_plain(c, 0); /* what follows a closing quote belongs to it, too */
    cell->n = c->data.n - cell->at;
}

static void csv_end_row(csv *c) { /* \n, \r\n, \r */
    if (csv_peek(c) == '\r') {
        csv_next(c);
        if (csv_peek(c) != '\n') return;
    }
    if (csv_peek(c) == '\n') csv_next(c);
}

/* The next row that is not blank: 1, or 0 at the end. */
static int csv_row(csv *c) {
    uint64_t before = c->row ? c->blanks : 0, ends = 0;
    int ch;
    while ((ch = csv_peek(c)) == '\n' || ch == '\r') csv_end_row(c), ends++;
    if (ch == -1) return 0;
    c->blanks = before + (c->row ? ends : 0); /* between rows, not around them */
    c->row++;
    c->row_offset = c->offset;
    c->n = 0;
    c->data.n = 0;
    for (;;) {
        csv_cell_read(c);
        if (csv_peek(c) != c->sep || c->sep == 0) break;
        csv_next(c);
    }
    csv_end_row(c);
    return 1;
}

static const char *csv_at(const csv *c, size_t i) {
    return c->data.s ? c->data.s + c->cells[i].at : "";
}

static void csv_rewind(csv *c) {
    if (lseek(c->fd, 0, SEEK_SET) < 0) die(c->path, "cannot be read twice: %s", strerror(errno));
    c->offset = c->row = 0;
    c->at = c->have = 0;
    if (csv_peek(c) == 0xEF && c->have >= 3 && memcmp(c->buf, "\xEF\xBB\xBF", 3) == 0)
        c->at = 3, c->offset = 3; /* a UTF-8 mark */
}

/* The separator that is most frequent in the first line, outside quotes. */
static char csv_find_separator(csv *c) {
    static const char marks[] = ",;\t|";
    size_t count[4] = {0, 0, 0, 0}, i, best = 0;
    int quoted = 0;
    csv_peek(c);
    for (i = c->at; i < c->have && (quoted || (c->buf[i] != '\n' && c->buf[i] != '\r')); i++) {
        const char *m = c->buf[i] ? strchr(marks, c->buf[i]) : NULL;
        if (c->buf[i] == '"') quoted = !quoted;
        else if (m && !quoted) count[m - marks]++;
    }
    for (i = 1; i < 4; i++)
        if (count[i] > count[best]) best = i;
    return marks[best];
}

/* ---- what the first pass learns ---- */

typedef struct import_column {
    char *name, *unit;
    uint64_t nulls, empties;            /* nothing between the separators; "" */
    uint64_t commas, comma_row;         /* numbers with a decimal comma; the first one's row */
    uint64_t inexact_row;               /* the first whose digits a double does not hold */
    uint64_t values, numbers, text_row; /* text_row: the first row that is no number */
    uint64_t big;                       /* the largest value that is not negative */
    int64_t small;                      /* the smallest negative one, or 0 */
    uint32_t longest, equals; /* equals: later columns of the same name */
    uint8_t no_bool, no_int, no_float, no_f32;
    uint8_t type;
    telem_column at; /* in the row, second pass */
} import_column;

typedef struct import_time {
    int column; /* -1: rows are numbered */
    uint8_t asked, iso, no_iso, no_number, missing, backwards, far; /* far: beyond any clock */
    uint64_t bad_row; /* the first that broke the rule */
    uint64_t unit;    /* units in a second: 1, 1000, 1e6, 1e9 */
    int unit_known;
    int decimals; /* most seen */
    double least, most, last;
    telem_clock clock;
} import_time;

typedef struct import {
    csv in;
    const char *name, *time_name, *out_path;
    int header, strict, quiet;
    import_column *cols;
    size_t n;
    uint64_t rows, short_rows, short_row; /* fewer cells than row 1: how many, the first */
    import_time time;
    void *schema_memory;
    const telem_schema *schema;
    out *to;
} import;

PRINTF_LIKE(2, 3) static void import_note(const import *m, const char *format, ...) {
    va_list args;
    if (m->quiet) return;
    va_start(args, format);
    say(m->in.path, format, args);
    va_end(args);
}

static void trim(const char **s, size_t *n) {
    while (*n && (**s == ' ' || **s == '\t')) (*s)++, (*n)--;
    while (*n && ((*s)[*n - 1] == ' ' || (*s)[*n - 1] == '\t')) (*n)--;
}

static int is_word(const char *s, size_t n, const char *word) {
    size_t i;
    for (i = 0; i < n; i++)
        if (tolower((unsigned char)s[i]) != word[i] || !word[i]) return 0;
    return word[n] == 0;
}

static int is_number(const char *s, size_t n) {
    double v;
    trim(&s, &n);
    return n > 0 && telem_parse_f64(s, n, &v) == TELEM_OK;
}

/* "007" names something; as a number it would lose its zeros. */
static int has_leading_zero(const char *s, size_t n) {
    if (n && (*s == '-' || *s == '+')) s++, n--;
    return n > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9';
}

static void learn_int(import_column *c, const char *s, size_t n) {
    uint64_t u;
    int64_t v;
    if (c->no_int) return;
    if (s[0] == '-') {
        if (telem_parse_i64(s, n, &v) != TELEM_OK || v == 0) c->no_int = 1; /* -0 is a float */
        else if (v < c->small) c->small = v;
    } else if (telem_parse_u64(s, n, &u) != TELEM_OK) c->no_int = 1;
    else if (u > c->big) c->big = u;
}

/* Floats that must not stand for an integer beyond 2^53 that they cannot hold. */
static void learn_float(import_column *c, const char *s, size_t n) {
    char buf[40];
    double v = 0, back = 0;
    size_t k;
    if (c->no_float) return;
    if (has_leading_zero(s, n) || telem_parse_f64(s, n, &v) != TELEM_OK) {
        c->no_float = 1;
        return;
    }
    if (fabs(v) >= 9007199254740992.0 && strspn(s, "-0123456789") >= n) {
        k = telem_print_f64(buf, sizeof buf, v);
        if (k != n || memcmp(buf, s, n) != 0) c->no_float = 1;
    }
    if (c->no_f32 || v != v) return;
    if (v - v == 0 && (v > 3.4028234e38 || v < -3.4028234e38)) {
        c->no_f32 = 1;
        return;
    }
    if (n <= 6 && !memchr(s, 'e', n) && !memchr(s, 'E', n)) return; /* six digits always survive */
    k = telem_print_f32(buf, sizeof buf, (float)v);
    if (telem_parse_f64(buf, k, &back) != TELEM_OK || back != v) c->no_f32 = 1;
}

/* "3,30" where only the comma keeps it from being a number. */
static int is_comma_number(const char *s, size_t n) {
    const char *comma = n && n < 40 ? (const char *)memchr(s, ',', n) : NULL;
    char buf[40];
    if (!comma || memchr(s, '.', n)) return 0;
    memcpy(buf, s, n);
    buf[comma - s] = '.';
    return is_number(buf, n);
}

/* The significant digits of a number, at most 60; how many. */
static size_t digits_of(const char *s, size_t n, char *to) {
    size_t i, k = 0;
    for (i = 0; i < n && k < 60 && s[i] != 'e' && s[i] != 'E'; i++)
        if (isdigit((unsigned char)s[i]) && (k || s[i] != '0')) to[k++] = s[i];
    while (k && to[k - 1] == '0') k--;
    return k;
}

/* Does the double that stands for the text lose digits of it? 0.10000000000000001 does not. */
static int is_inexact(const char *s, size_t n) {
    char a[60], b[60], buf[96];
    double v;
    size_t k = digits_of(s, n, a);
    int len;
    if (k == 0 || telem_parse_f64(s, n, &v) != TELEM_OK || v - v != 0) return 0;
    len = snprintf(buf, sizeof buf, "%.*e", (int)k - 1, v);
    return digits_of(buf, (size_t)len, b) != k || memcmp(a, b, k) != 0;
}

static void learn_comma(const import *m, import_column *c, const char *s, size_t n) {
    if (is_comma_number(s, n) && c->commas++ == 0) c->comma_row = m->in.row;
}

static void learn_cell(import *m, import_column *c, size_t i) {
    const csv_cell *cell = &m->in.cells[i];
    const char *s = csv_at(&m->in, i);
    size_t n = cell->n;
    if (n > c->longest) c->longest = (uint32_t)n;
    if (n == 0) {
        if (cell->quoted) c->empties++;
        else c->nulls++;
        return;
    }
    c->values++;
    trim(&s, &n);
    if (!c->no_bool && !is_word(s, n, "true") && !is_word(s, n, "false")) c->no_bool = 1;
    if (has_leading_zero(s, n) || n == 0) c->no_int = 1;
    if (n) learn_int(c, s, n);
    if (n == 0) c->no_float = 1;
    learn_float(c, s, n);
    if (!c->no_float && !c->inexact_row && (n > 15 || memchr(s, 'e', n) || memchr(s, 'E', n)) &&
        is_inexact(s, n))
        c->inexact_row = m->in.row;
    if (!c->no_float || is_number(s, n)) c->numbers++;
    else if (!c->text_row) c->text_row = m->in.row;
    if (c->no_float) learn_comma(m, c, s, n);
}

static void learn_time(import *m) {
    import_time *t = &m->time;
    size_t i = (size_t)t->column, n;
    const char *s;
    decimal d;
    int64_t ns;
    double v = 0;
    if (t->column < 0) return;
    n = i < m->in.n ? m->in.cells[i].n : 0;
    s = n ? csv_at(&m->in, i) : "";
    trim(&s, &n);
    if (n == 0) t->missing = 1;
    else if (!t->no_iso && iso_parse(s, n, &ns)) t->no_number = 1, v = (double)ns;
    else if (!t->no_number && decimal_parse(s, n, &d)) {
        t->no_iso = 1;
        if (-d.exponent > t->decimals) t->decimals = -d.exponent;
        telem_parse_f64(s, n, &v);
        t->far |= fabs(v) > 9e18;
    } else t->no_iso = t->no_number = 1;
    if (m->rows == 0 || v < t->least) t->least = v;
    if (m->rows == 0 || v > t->most) t->most = v;
    if (m->rows && v < t->last) t->backwards = 1;
    if (!t->bad_row && (t->missing || (t->no_iso && t->no_number) || t->backwards || t->far))
        t->bad_row = m->in.row;
    t->last = v;
}

/* ---- the header ---- */

/* name[unit] and "name (unit)"; a bracket of digits only is an index and stays. */
static void split_unit(import_column *c) {
    size_t n = strlen(c->name), digits;
    char close = n ? c->name[n - 1] : 0, *open;
    if (close != ']' && close != ')') return;
    open = strrchr(c->name, close == ']' ? '[' : '(');
    if (!open || open == c->name || c->name + n - 1 - open > 255) return;
    digits = strspn(open + 1, "0123456789");
    if (open[1 + digits] == close) return; /* also [] */
    c->name[n - 1] = 0;
    c->unit = copy_string(open + 1);
    while (open > c->name && open[-1] == ' ') open--;
    *open = 0;
}

/* Names and units hold UTF-8 without control characters, at most 255 bytes. */
static char *clean_name(const char *s, size_t n) {
    text t = {NULL, 0, 0};
    trim(&s, &n);
    text_plain(&t, s, n > 240 ? 240 : n);
    return t.n ? t.s : NULL;
}

/* Where a name stands in a hash table of column numbers from 1, or would. */
static size_t name_slot(const import *m, const uint32_t *table, size_t mask, const char *name) {
    uint64_t h = 14695981039346656037u;
    const char *s;
    size_t at;
    for (s = name; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    at = (size_t)(h ^ h >> 32) & mask;
    while (table[at] && strcmp(m->cols[table[at] - 1].name, name) != 0) at = (at + 1) & mask;
    return at;
}

/* a, a_2, a_3: also of thousands of equal names each is found at once. */
static void unique_names(import *m) {
    size_t size = 16, i, at;
    uint32_t *table;
    while (size < 4 * m->n) size *= 2;
    table = (uint32_t *)zalloc(size, sizeof *table);
    for (i = 0; i < m->n; i++) {
        import_column *c = &m->cols[i], *first;
        size_t n = strlen(c->name);
        at = name_slot(m, table, size - 1, c->name);
        for (first = table[at] ? &m->cols[table[at] - 1] : c; table[at];) {
            c->name = (char *)grow(c->name, n + 16);
            snprintf(c->name + n, 16, "_%u", 2 + first->equals++);
            at = name_slot(m, table, size - 1, c->name);
        }
        table[at] = (uint32_t)i + 1;
    }
    free(table);
}

static void name_columns(import *m) {
    size_t i;
    char buf[24];
    m->n = m->in.n;
    if (m->n > 65000) die(m->in.path, "row 1 has %zu columns; 65,000 is the limit", m->n);
    m->cols = (import_column *)zalloc(m->n, sizeof *m->cols);
    for (i = 0; i < m->n; i++) {
        import_column *c = &m->cols[i];
        if (m->header) c->name = clean_name(csv_at(&m->in, i), m->in.cells[i].n);
        if (c->name) split_unit(c);
        if (c->name) continue;
        snprintf(buf, sizeof buf, "c%zu", i + 1);
        c->name = copy_string(buf);
    }
    unique_names(m);
}

/* Names are a header when none of them is a number, a bool or empty. The first may be empty (an
   index without a name) or the last (a comma at the line's end). */
static int looks_like_header(const csv *c) {
    size_t i, empty = 0;
    for (i = 0; i < c->n; i++) {
        const char *s = csv_at(c, i);
        size_t n = c->cells[i].n;
        int64_t ns;
        trim(&s, &n);
        if (n == 0 && ++empty < c->n && empty < 2 && (i == 0 || i + 1 == c->n)) continue;
        if (n == 0 || is_number(s, n) || is_word(s, n, "true") || is_word(s, n, "false") ||
            iso_parse(s, n, &ns))
            return 0;
    }
    return 1;
}

/* ---- the time column ---- */

static const struct time_suffix {
    const char *suffix;
    uint64_t unit;
} time_suffixes[] = {
    {"_ns", 1000000000u}, {"_us", 1000000u}, {"_ms", 1000u}, {"_s", 1u}, {"_sec", 1u}};
static const char *const time_words[] = {"t",    "time",     "timestamp", "ts",
                                         "date", "datetime", "stamp",     "utc"};

static uint64_t unit_of_name(const char *unit) {
    if (strcmp(unit, "s") == 0 || strcmp(unit, "sec") == 0) return 1;
    if (strcmp(unit, "ms") == 0) return 1000;
    if (strcmp(unit, "us") == 0 || strcmp(unit, "\xC2\xB5s") == 0) return 1000000;
    return strcmp(unit, "ns") == 0 ? 1000000000 : 0;
}

/* Is it called like a time? *unit: of one second, 0: not told. */
static int time_name(const import_column *c, uint64_t *unit) {
    size_t n = strlen(c->name), i;
    *unit = c->unit ? unit_of_name(c->unit) : 0;
    for (i = 0; i < sizeof time_suffixes / sizeof *time_suffixes; i++)
        if (ends_with(c->name, time_suffixes[i].suffix)) {
            n -= strlen(time_suffixes[i].suffix);
            if (!*unit) *unit = time_suffixes[i].unit;
            break;
        }
    if (!*unit) *unit = unit_of_name(c->name); /* a column called ms */
    for (i = 0; i < sizeof time_words / sizeof *time_words; i++)
        if (is_word(c->name, n, time_words[i])) return 1;
    return 0;
}

/* Called like a unit of time, or something of a time: a person may know better. */
static void hint_time(const import *m) {
    size_t i;
    for (i = 0; i < m->n; i++) {
        const char *name = m->cols[i].name;
        if (!unit_of_name(name) && !strstr(name, "time") && !strstr(name, "Time")) continue;
        import_note(m,
                    "no column is known to be the time: rows are numbered; "
                    "if \"%s\" is it: --time %s",
                    name, name);
        return;
    }
}

static void choose_time(import *m) {
    import_time *t = &m->time;
    uint64_t number = 0;
    size_t i;
    t->column = -1;
    if (m->time_name && strcmp(m->time_name, "none") == 0) return;
    t->asked = m->time_name != NULL;
    if (t->asked) telem_parse_u64(m->time_name, strlen(m->time_name), &number);
    for (i = 0; i < m->n && t->column < 0; i++)
        if (t->asked ? strcmp(m->cols[i].name, m->time_name) == 0 || number == i + 1
                     : time_name(&m->cols[i], &t->unit))
            t->column = (int)i;
    if (t->column >= 0) time_name(&m->cols[t->column], &t->unit);
    if (t->asked && t->column < 0)
        die(m->in.path, "has no column \"%s\" for --time; its first is \"%s\"", m->time_name,
            m->cols[0].name);
}

/* A POSIX time since 2001? Then its unit follows from its size, too. */
static int epoch_unit(double v, uint64_t *unit) {
    static const uint64_t units[] = {1, 1000, 1000000, 1000000000};
    size_t i;
    for (i = 0; i < 4; i++)
        if ((*unit == 0 || *unit == units[i]) && v >= 978307200.0 * (double)units[i] &&
            v < 4102444800.0 * (double)units[i]) {
            *unit = units[i];
            return 1;
        }
    return 0;
}

/* The clock: one tick is the smallest decimal seen, as far as int64 reaches. */
static void time_clock(import *m) {
    import_time *t = &m->time;
    double reach = fabs(t->least) > fabs(t->most) ? fabs(t->least) : fabs(t->most);
    int d = t->decimals;
    t->clock.domain = TELEM_DOMAIN_USER;
    if (!t->no_iso) {
        t->iso = 1;
        t->clock.domain = TELEM_DOMAIN_UTC;
        return; /* nanoseconds */
    }
    if (epoch_unit(t->least, &t->unit) && epoch_unit(t->most, &t->unit))
        t->clock.domain = TELEM_DOMAIN_UTC;
    if (!t->unit) t->unit = 1;
    while (d > 0 && (reach * (double)power10((unsigned)(d > 18 ? 18 : d)) > 9e18 ||
                     (double)t->unit * pow(10, d) > 1e18))
        d--;
    if (d < t->decimals)
        import_note(m, "times in \"%s\" are rounded to %d decimals", m->cols[t->column].name, d);
    t->decimals = d;
    t->clock.hz_num = t->unit * power10((unsigned)d);
}

static void settle_time(import *m) {
    import_time *t = &m->time;
    const char *name = t->column >= 0 ? m->cols[t->column].name : "";
    int bad = t->missing || (t->no_iso && t->no_number) || t->far;
    if (t->column >= 0 && bad && t->asked)
        die(m->in.path, "row %" PRIu64 ": \"%s\" holds no time there; choose another --time column",
            t->bad_row, name);
    if (t->column >= 0 && (bad || (t->backwards && !t->asked))) {
        import_note(m, "\"%s\" %s in row %" PRIu64 ", so the rows are numbered instead%s%s", name,
                    bad ? "holds no time" : "goes back", t->bad_row,
                    bad ? "" : "; --time takes it all the same: --time ", bad ? "" : name);
        t->column = -1;
    }
    else if (t->column < 0 && !m->time_name && m->header) hint_time(m);
    if (t->column >= 0 && m->rows) time_clock(m);
    if (t->column >= 0) return;
    t->clock.hz_num = 1;
    t->clock.domain = TELEM_DOMAIN_USER;
}

static int64_t row_time(const import *m) {
    const import_time *t = &m->time;
    const char *s;
    size_t n;
    decimal d;
    int64_t v = 0;
    if (t->column < 0) return (int64_t)m->rows;
    s = csv_at(&m->in, (size_t)t->column);
    n = m->in.cells[t->column].n;
    trim(&s, &n);
    if (t->iso) iso_parse(s, n, &v);
    else if (!decimal_parse(s, n, &d) || !decimal_scaled(&d, t->decimals, &v))
        die(m->in.path, "row %" PRIu64 ": the time %.*s is out of range", m->in.row,
            (int)(n > 40 ? 40 : n), s);
    return v;
}

/* ---- types ---- */

static uint8_t int_type(const import_column *c) {
    if (c->small == 0)
        return c->big <= UINT8_MAX    ? TELEM_U8
               : c->big <= UINT16_MAX ? TELEM_U16
               : c->big <= UINT32_MAX ? TELEM_U32
                                      : TELEM_U64;
    if (c->small >= INT8_MIN && c->big <= INT8_MAX) return TELEM_I8;
    if (c->small >= INT16_MIN && c->big <= INT16_MAX) return TELEM_I16;
    if (c->small >= INT32_MIN && c->big <= INT32_MAX) return TELEM_I32;
    return TELEM_I64;
}

static int has_decimal_commas(const import_column *c) {
    return c->type == TELEM_STRING && c->commas && c->commas + c->numbers == c->values;
}

/* What was read otherwise than a person would: once for each column and kind. */
static void note_column(const import *m, const import_column *c) {
    if (has_decimal_commas(c) && m->strict)
        die(m->in.path, "row %" PRIu64 ": \"%s\" has a decimal comma; write decimal points",
            c->comma_row, c->name);
    if (has_decimal_commas(c))
        import_note(m,
                    "\"%s\" has decimal commas (row %" PRIu64
                    "): imported as strings; write decimal points to have numbers",
                    c->name, c->comma_row);
    if ((c->type == TELEM_F32 || c->type == TELEM_F64) && c->inexact_row)
        import_note(m,
                    "\"%s\" has more digits than a float of 64 bits holds (row %" PRIu64
                    "): rounded",
                    c->name, c->inexact_row);
}

static void note_rows(const import *m) {
    if (m->short_rows)
        import_note(m,
                    "%" PRIu64 " rows have fewer cells than row 1 (row %" PRIu64
                    " is the first): what they lack is absent",
                    m->short_rows, m->short_row);
    if (m->n == 1 && m->in.blanks)
        import_note(m, "%" PRIu64 " blank lines are skipped; write \"\" for a row without a value",
                    m->in.blanks);
}

static void settle_type(import *m, import_column *c) {
    if (c->values == 0) c->type = TELEM_STRING;
    else if (!c->no_bool) c->type = TELEM_BOOL;
    else if (!c->no_int && !(c->small && c->big > INT64_MAX)) c->type = int_type(c);
    else if (!c->no_float) c->type = c->no_f32 ? TELEM_F64 : TELEM_F32;
    else c->type = TELEM_STRING;
    note_column(m, c);
    if (c->type != TELEM_STRING || c->numbers == 0 || c->numbers == c->values) return;
    if (has_decimal_commas(c)) return; /* told */
    if (m->strict)
        die(m->in.path,
            "row %" PRIu64
            ": \"%s\" has text there and numbers elsewhere; mend it, or import without --strict",
            c->text_row, c->name);
    import_note(m, "\"%s\" has text (row %" PRIu64 ") and numbers: imported as strings", c->name,
                c->text_row);
}

/* "" is a value of a string column, and none of a number's. */
static int is_optional(const import_column *c) {
    return c->nulls > 0 || (c->empties > 0 && c->type != TELEM_STRING);
}

static void build_schema(import *m, const char *name) {
    telem_schema_builder b;
    size_t i, size = 8192 + m->n * 1200;
    telem_result r;
    m->schema_memory = grow(NULL, size);
    r = telem_schema_builder_init(&b, m->schema_memory, size, name, NULL);
    for (i = 0; i < m->n && r == TELEM_OK; i++) {
        import_column *c = &m->cols[i];
        telem_field f = TELEM_ZERO;
        if ((int)i == m->time.column) continue;
        f.name = c->name;
        f.unit = c->unit;
        f.type = c->type;
        f.flags = is_optional(c) ? TELEM_OPTIONAL : 0;
        if (c->type == TELEM_STRING) f.size = c->longest ? c->longest : 1;
        r = telem_schema_builder_add(&b, &f);
    }
    if (r == TELEM_OK) r = telem_schema_builder_finish(&b, &m->schema);
    if (r == TELEM_ERR_LIMIT)
        die(m->in.path,
            "its rows do not fit: at most 65,535 columns and 16 MiB in a row, "
            "the longest strings taken together");
    if (r != TELEM_OK) die(m->in.path, "its columns make no schema: %s", telem_result_text(r));
}

static void place_columns(import *m) {
    telem_columns it;
    telem_column c;
    size_t i = 0;
    telem_columns_begin(&it, m->schema);
    while (telem_columns_next(&it, &c)) {
        if (c.presence) continue;
        if ((int)i == m->time.column) i++;
        m->cols[i++].at = c;
    }
}

/* ---- the passes ---- */

static void check_width(const import *m) {
    if (m->in.n > m->n)
        die(m->in.path,
            "row %" PRIu64 " has %zu cells where row 1 has %zu (at byte %" PRIu64
            "); quote cells that hold the separator, or give --sep",
            m->in.row, m->in.n, m->n, m->in.row_offset);
}

static void learn(import *m) {
    size_t i;
    csv_rewind(&m->in);
    if (!m->in.sep) m->in.sep = csv_find_separator(&m->in);
    if (!csv_row(&m->in)) die(m->in.path, "holds no rows, only empty lines");
    if (m->header < 0) m->header = looks_like_header(&m->in);
    name_columns(m);
    choose_time(m);
    if (m->header && !csv_row(&m->in)) return;
    do {
        check_width(m);
        if (m->in.n < m->n && m->short_rows++ == 0) m->short_row = m->in.row;
        learn_time(m);
        for (i = 0; i < m->n; i++)
            if (i < m->in.n) learn_cell(m, &m->cols[i], i);
            else m->cols[i].nulls++;
        m->rows++;
    } while (csv_row(&m->in));
}

/* The same rounding as in learn_float, by way of a double: what was promised there is kept. */
static telem_result put_f32(const import_column *c, const char *s, size_t n, uint8_t *row) {
    double v;
    float f;
    uint32_t bits;
    telem_result r = telem_parse_f64(s, n, &v);
    if (r != TELEM_OK) return r;
    f = (float)v;
    memcpy(&bits, &f, 4);
    telem_put32(row + c->at.row, bits);
    return TELEM_OK;
}

static telem_result put_value(const import_column *c, const char *s, size_t n, uint8_t *row) {
    if (c->type == TELEM_F32) return put_f32(c, s, n, row);
    if (c->type == TELEM_BOOL) row[c->at.row] = *s == 't' || *s == 'T';
    return c->type == TELEM_BOOL ? TELEM_OK : telem_cell_parse(&c->at, 0, s, n, row);
}

static void put_cell(const import *m, const import_column *c, size_t i, uint8_t *row) {
    const char *s = i < m->in.n ? csv_at(&m->in, i) : "";
    size_t n = i < m->in.n ? m->in.cells[i].n : 0;
    int quoted = i < m->in.n && m->in.cells[i].quoted;
    if (n == 0 && !(quoted && c->type == TELEM_STRING)) return; /* absent, and the row is zero */
    if (c->at.guard != TELEM_NO_GUARD) row[c->at.guard] = 1;
    if (c->type == TELEM_STRING) { /* as it is, blanks included */
        telem_put32(row + c->at.row, (uint32_t)n);
        if (n) memcpy(row + c->at.row + 4, s, n);
        return;
    }
    trim(&s, &n);
    if (put_value(c, s, n, row) != TELEM_OK)
        die(m->in.path,
            "row %" PRIu64
            ": \"%.*s\" does not fit the type of \"%s\"; the file changed while it was read",
            m->in.row, (int)(n > 40 ? 40 : n), s, c->name);
}

static int64_t import_write(void *user, const void *buf, size_t n) {
    out_bytes((out *)user, buf, n); /* tells and ends when it cannot */
    return (int64_t)n;
}

static void import_check(const import *m, telem_result r, const char *what) {
    if (r != TELEM_OK)
        die(m->out_path, "%s at row %" PRIu64 ": %s", what, m->in.row, telem_result_text(r));
}

static void import_describe(const import *m, telem_file_writer *w) {
    telem_metadata d = TELEM_ZERO;
    const char *base = strrchr(m->in.path, '/');
    d.stream = 1;
    d.type = TELEM_VALUE_TEXT;
    d.key = "source";
    d.data = base ? base + 1 : m->in.path;
    import_check(m, telem_file_write_metadata(w, &d), "cannot write metadata");
    if (m->time.column < 0) return;
    d.key = "time_column";
    d.data = m->cols[m->time.column].name;
    import_check(m, telem_file_write_metadata(w, &d), "cannot write metadata");
    if (!m->time.backwards) return;
    d.type = TELEM_VALUE_BOOL;
    d.key = "unordered"; /* telem cat then looks for times everywhere */
    d.i = 1;
    import_check(m, telem_file_write_metadata(w, &d), "cannot write metadata");
}

static void write_rows(import *m, telem_file_writer *w) {
    uint8_t *row = (uint8_t *)zalloc(telem_schema_row_size(m->schema), 1);
    size_t i, size = telem_schema_row_size(m->schema);
    csv_rewind(&m->in);
    m->rows = 0;
    if (m->header) csv_row(&m->in);
    while (csv_row(&m->in)) {
        check_width(m);
        memset(row, 0, size);
        for (i = 0; i < m->n; i++)
            if ((int)i != m->time.column) put_cell(m, &m->cols[i], i, row);
        import_check(m, telem_file_write_row(w, 1, row_time(m), row), "cannot write");
        m->rows++;
    }
    free(row);
}

/* Wide rows and large schemas want larger blocks than the default. */
static void import_limits(const import *m, telem_file_writer_desc *d) {
    uint32_t row = telem_schema_row_size(m->schema);
    uint64_t coded = row + 32u * (uint64_t)telem_schema_columns(m->schema);
    int64_t encoded = telem_schema_encode(m->schema, 0, NULL, 0);
    d->max_row = row > 1u << 16 ? row : 0;
    d->max_block = coded > 1u << 16 || encoded > 1 << 16
                       ? (uint32_t)(2 * coded + (uint64_t)(encoded > 0 ? encoded : 0)) + (1u << 20)
                       : 0;
}

static void write_file(import *m, const char *name) {
    telem_file_writer w;
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    telem_clock utc = telem_clock_utc();
    telem_io io = TELEM_ZERO;
    io.user = m->to;
    io.write = import_write;
    d.io = &io;
    d.lz4 = 1;
    d.max_age_ns = INT64_MAX; /* nobody waits for these rows */
    d.created = (int64_t)utc.read(NULL);
    import_limits(m, &d);
    s.id = 1;
    s.clock = 1;
    s.name = name;
    s.schema = m->schema;
    d.memory_size = telem_file_writer_bytes(&d) + telem_file_stream_bytes(&d, &s);
    d.memory = grow(NULL, d.memory_size);
    import_check(m, telem_file_writer_open(&w, &d), "cannot begin");
    import_check(m,
                 telem_file_add_clock(&w, 1, &m->time.clock,
                                      m->time.column < 0 ? "row" : m->cols[m->time.column].name),
                 "cannot add the clock");
    import_check(m, telem_file_add_stream(&w, &s), "cannot add the stream");
    import_describe(m, &w);
    write_rows(m, &w);
    import_check(m, telem_file_writer_close(&w), "cannot end the file");
    free(d.memory);
}

static char *stream_name_for(const import *m) {
    const char *base = strrchr(m->in.path, '/');
    char *name, *dot;
    if (m->name) return clean_name(m->name, strlen(m->name));
    base = base ? base + 1 : m->in.path;
    name = m->in.fd == STDIN_FILENO || strcmp(m->in.path, "standard input") == 0
               ? NULL
               : clean_name(base, strlen(base));
    if (name && (dot = strrchr(name, '.')) != NULL && dot != name) *dot = 0;
    return name ? name : copy_string("csv");
}

static void import_open(import *m, const char *path) {
    int regular;
    m->in.path = strcmp(path, "-") == 0 ? "standard input" : path;
    m->in.fd = open_input(path, &m->in.size, &regular);
    if (!regular) m->in.fd = spool_pipe(m->in.path, m->in.fd, 1);
}

static char import_separator(const char *s) {
    if (strcmp(s, "\\t") == 0) return '\t';
    if (strlen(s) != 1 || *s == '"' || *s == '\n')
        usage_error("import", "--sep \"%s\" is not one character; see telem import --help", s);
    return *s;
}

static void import_option(import *m, char **argv, int c) {
    switch (c) {
    case 's': m->in.sep = import_separator(optarg); break;
    case 'H': m->header = 1; break;
    case 'N': m->header = 0; break;
    case 't': m->time_name = optarg; break;
    case 'n':
        m->name = optarg;
        if (!*optarg) usage_error("import", "--name wants a name that is not empty");
        break;
    case 'S': m->strict = 1; break;
    case 'q': m->quiet = 1; break;
    case 'h': print_help(import_help);
    default: option_error("import", argv, c);
    }
}

static int command_import(int argc, char **argv) {
    static const struct option options[] = {{"sep", required_argument, NULL, 's'},
                                            {"header", no_argument, NULL, 'H'},
                                            {"no-header", no_argument, NULL, 'N'},
                                            {"time", required_argument, NULL, 't'},
                                            {"name", required_argument, NULL, 'n'},
                                            {"strict", no_argument, NULL, 'S'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    static import m;
    char *name;
    size_t i;
    int c;
    m.header = -1;
    while ((c = getopt_long(argc, argv, ":t:qh", options, NULL)) != -1) import_option(&m, argv, c);
    if (argc - optind != 2)
        usage_error("import", "wants DATA.csv and OUT.tlm; see telem import --help");
    import_open(&m, argv[optind]);
    m.out_path = argv[optind + 1];
    learn(&m);
    settle_time(&m);
    for (i = 0; i < m.n; i++)
        if ((int)i != m.time.column) settle_type(&m, &m.cols[i]);
    note_rows(&m);
    name = stream_name_for(&m);
    build_schema(&m, name);
    place_columns(&m);
    m.to = out_open(m.out_path);
    write_file(&m, name);
    out_close(m.to);
    free(name);
    progress_clear();
    return EXIT_OK;
}
