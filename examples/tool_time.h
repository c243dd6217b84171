/* tool_time.h - decimal numbers and times, exact: print, parse, what the user means by them. */

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

/* How long from first to last, which may be more than an int64 of ticks. */
static void print_span(const telem_clock *c, int64_t first, int64_t last, char *buf) {
    uint64_t n = last > first ? (uint64_t)last - (uint64_t)first : 0;
    if (n <= INT64_MAX) print_seconds(c, (int64_t)n, buf);
    else snprintf(buf, 48, "%.12g", (double)n / (double)clock_num(c) * (double)clock_den(c));
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
    n = snprintf(buf, 48, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    while (d && part % 10 == 0) part /= 10, d--;
    if (d) n += snprintf(buf + n, (size_t)(48 - n), ".%0*" PRId64, d, part);
    snprintf(buf + n, (size_t)(48 - n), "Z");
    return buf;
}

static unsigned days_in_month(unsigned y, unsigned m) {
    return m == 2 ? (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0) ? 29 : 28)
                  : 30 + ((m + m / 8) & 1);
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
    for ((*i)++; *i < n && isdigit((unsigned char)s[*i]); (*i)++, unit /= 10)
        ns += unit * (s[*i] - '0');
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
        if (!iso_number(s, n, &i, 2, &h) || !iso_sign(s, n, &i, ':') ||
            !iso_number(s, n, &i, 2, &mi))
            return 0;
        if (iso_sign(s, n, &i, ':')) {
            if (!iso_number(s, n, &i, 2, &sec)) return 0;
            part = iso_fraction(s, n, &i);
        }
        if (!iso_zone(s, n, i, &zone)) return 0;
    }
    if (mo < 1 || mo > 12 || d < 1 || d > days_in_month(y, mo) || mi > 59 || sec > 60 ||
        y < 1678 || y > 2261 || h > 24 || (h == 24 && (mi || sec || part)))
        return 0;
    t = days_from_civil((int64_t)y, mo, d) * 86400 + (int64_t)h * 3600 + (int64_t)mi * 60 +
        (int64_t)sec - zone * 60;
    *ns = t * 1000000000 + part;
    return 1;
}

/* A time as the user gives it. */
typedef struct when {
    enum { WHEN_NONE, WHEN_RELATIVE, WHEN_SECONDS, WHEN_TICKS, WHEN_UTC } kind;
    int64_t value; /* ns, or ticks */
} when;

static const struct unit {
    const char *name;
    uint64_t ns;
} time_units[] = {
    {"s", 1000000000u},    {"ms", 1000000u},    {"us", 1000u},         {"ns", 1u},
    {"min", 60000000000u}, {"m", 60000000000u}, {"h", 3600000000000u}, {"d", 86400000000000u},
    {"", 1000000000u}};

/* "250ms" as nanoseconds. */
static int duration_parse(const char *s, int64_t *ns) {
    size_t n = strlen(s), k, i;
    decimal d;
    for (i = 0; i < sizeof time_units / sizeof *time_units; i++) {
        k = strlen(time_units[i].name);
        if (k >= n || strcmp(s + n - k, time_units[i].name) != 0 || !decimal_parse(s, n - k, &d))
            continue;
        if (d.exponent < -18 || d.exponent > 18) return 0;
        *ns = d.exponent < 0
                  ? telem_muldiv(d.mantissa, time_units[i].ns, power10((unsigned)-d.exponent))
                  : telem_muldiv(telem_muldiv(d.mantissa, power10((unsigned)d.exponent), 1),
                                 time_units[i].ns, 1);
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
        usage_error(
            command,
            "%s \"%s\" is no time; give 5s, 250ms (after the start), @12.5 (the stream's clock) "
            "or 2026-11-20T12:00:00Z",
            option, s);
    return w;
}

static uint64_t option_number(const char *command, const char *option, const char *s,
                              uint64_t most) {
    uint64_t v;
    if (telem_parse_u64(s, strlen(s), &v) != TELEM_OK || v > most)
        usage_error(command, "%s \"%s\" is no number from 0 to %" PRIu64 "; see telem %s --help",
                    option, s, most, command);
    return v;
}

static int64_t option_duration(const char *command, const char *option, const char *s) {
    int64_t ns;
    if (!duration_parse(s, &ns) || ns <= 0)
        usage_error(command, "%s \"%s\" is no duration; give 10s, 250ms, 5min", option, s);
    return ns;
}
