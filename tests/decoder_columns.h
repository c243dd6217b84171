/* decoder_columns.h - section 8 for decoder.h, from the text alone: simple before fast. A column becomes
   an array of 64-bit values, or of texts. Everything that is wrong sticks in the cursor's `bad`. */
#ifndef DECODER_COLUMNS_H
#define DECODER_COLUMNS_H

#define D_TEXTS_MAX ((uint64_t)64 << 20)

typedef struct d_texts { /* n strings */
    uint8_t *bytes;
    uint64_t *at; /* n + 1 */
} d_texts;

static void d_texts_free(d_texts *t) {
    free(t->bytes), free(t->at);
    memset(t, 0, sizeof *t);
}
static uint64_t *d_values(uint64_t n) { return (uint64_t *)calloc((size_t)n + 1, sizeof(uint64_t)); }

static uint64_t d_low(uint64_t v, uint32_t bits) { return bits == 64 ? v : v & (((uint64_t)1 << bits) - 1); }

/* "sized": that many bytes, which are all of it. */
static d_cur d_sized(d_cur *c) {
    uint64_t n = d_varint(c);
    const uint8_t *p = d_take(c, n);
    d_cur s = d_cursor(p ? p : (const uint8_t *)"", p ? (size_t)n : 0);
    s.bad = c->bad;
    return s;
}
static void d_done(d_cur *c, d_cur *part) { /* the part must be used up; its fault is the whole's */
    if (!part->bad && d_left(part)) d_fail(part, D_CORRUPT);
    if (part->bad) d_fail(c, part->bad);
}

/* ------------------------------------------------------------------ 8.5 integer streams ---- */

typedef struct d_bitcur {
    const uint8_t *p;
    uint64_t at, bits;
    d_cur *c;
} d_bitcur;

static d_bitcur d_bits_from(d_cur *c) { /* all that is left */
    d_bitcur b;
    b.p = c->p, b.at = 0, b.bits = (uint64_t)d_left(c) * 8, b.c = c;
    return b;
}
static uint64_t d_bits_take(d_bitcur *b, uint32_t n) {
    uint64_t v;
    if (b->c->bad) return 0;
    if (n > b->bits - b->at) { d_fail(b->c, D_CORRUPT); return 0; }
    v = d_bits(b->p, (size_t)(b->bits / 8), b->at, n);
    b->at += n;
    return v;
}
static void d_bits_end(d_bitcur *b) { d_take(b->c, (b->at + 7) / 8); }

static uint64_t d_value(d_cur *c, uint32_t W) {
    uint64_t z = d_varint(c);
    if (W == 32 && z >> 32) d_fail(c, D_CORRUPT);
    return d_low(d_unzigzag(z), W);
}

static void d_ints(d_cur *c, uint32_t W, uint64_t n, uint64_t *x, int may_be_sparse);

static void d_ints_packed(d_cur *c, uint32_t W, uint64_t m, uint64_t *r) {
    uint64_t base = 0, from, count, i, j, l;
    for (from = 0; from < m && !c->bad; from += 1024) {
        uint64_t head = d_int(c, 1), w = head & 127, V, K, e = 0, bytes;
        uint32_t at[1024], g = 0;
        uint64_t high[1024];
        const uint8_t *p;
        count = m - from < 1024 ? m - from : 1024;
        if (w > W) d_fail(c, D_CORRUPT);
        base = d_low(base + d_value(c, W), W);
        if (head & 128) {
            d_bitcur b;
            e = d_range(c, 0, count);
            g = (uint32_t)d_int(c, 1);
            if (c->bad || g < 1 || g + w > W) { d_fail(c, D_CORRUPT); return; }
            b = d_bits_from(c);
            for (i = 0; i < e; i++) {
                at[i] = (uint32_t)d_bits_take(&b, 10), high[i] = d_bits_take(&b, g);
                if (at[i] >= count) d_fail(c, D_CORRUPT);
            }
            d_bits_end(&b);
        }
        if (c->bad) return;
        bytes = (count * w + 7) / 8;
        p = d_take(c, bytes);
        if (!p) return;
        V = w <= 32 ? 32 : 64, K = count / V;
        for (l = 0; l < K; l++)
            for (j = 0; j < V; j++) { /* bit j * w of lane l: word q, which is word q * K + l of all */
                uint64_t u = 0, k;
                for (k = 0; k < w; k++) {
                    uint64_t bit = j * w + k, q = bit / V;
                    u |= d_bits(p, (size_t)bytes, (q * K + l) * V + bit % V, 1) << k;
                }
                r[from + j * K + l] = u;
            }
        for (i = 0; i < count - K * V; i++)
            r[from + K * V + i] = d_bits(p, (size_t)bytes, K * w * V + i * w, (uint32_t)w);
        for (i = 0; i < count; i++) r[from + i] = d_low(r[from + i] + base, W);
        for (i = 0; i < e; i++) r[from + at[i]] = d_low(r[from + at[i]] + (high[i] << w), W);
    }
}

static void d_ints_sparse(d_cur *c, uint32_t W, uint64_t m, uint64_t *r) {
    uint64_t common = d_value(c, W), count = d_range(c, 0, m / 4), i, at = 0;
    uint64_t *gaps = d_values(count), *values = d_values(count);
    d_cur part = d_sized(c);
    d_ints(&part, 32, count, gaps, 0);
    d_done(c, &part);
    d_ints(c, W, count, values, 0);
    for (i = 0; i < m; i++) r[i] = common;
    for (i = 0; i < count && !c->bad; i++) {
        at += gaps[i];
        if (at >= m) { d_fail(c, D_CORRUPT); break; }
        r[at] = d_low(common + values[i], W);
        at++;
    }
    free(gaps), free(values);
}

typedef struct d_bin {
    uint64_t low, weight;
    uint32_t width;
} d_bin;
typedef struct d_tree {
    d_bin bin[128];
    uint32_t count;
    uint64_t q;
} d_tree;

static void d_tree_node(d_tree *t, d_bitcur *b, uint64_t low, uint32_t width) {
    uint64_t d = 0;
    if (b->c->bad) return;
    if (d_bits_take(b, 1)) {
        if (width == 0) { d_fail(b->c, D_CORRUPT); return; }
        d_tree_node(t, b, low, width - 1);
        d_tree_node(t, b, low + ((uint64_t)1 << (width - 1)), width - 1);
        return;
    }
    if (!d_bits_take(b, 1)) return;
    while (!b->c->bad && d_bits_take(b, 1))
        if ((d += 4) > 131) d_fail(b->c, D_CORRUPT);
    d += d_bits_take(b, 2);
    t->q += d_unzigzag(d);
    if (d > 131 || t->q < 1 || t->q > 63 || t->count == 128) { d_fail(b->c, D_CORRUPT); return; }
    t->bin[t->count].low = low, t->bin[t->count].width = width;
    t->bin[t->count++].weight = (4 + (t->q & 3)) << (t->q >> 2);
}

typedef struct d_state {
    uint32_t bin, few, next;
} d_state;

static void d_string_values(d_cur *c, const uint8_t *p, uint64_t bytes, uint32_t skip, const d_tree *t,
                            const d_state *table, uint32_t *s, uint64_t n, uint64_t *u) {
    uint64_t at = skip, j;
    if (skip > bytes * 8) d_fail(c, D_CORRUPT);
    for (j = 0; j < n && !c->bad; j++) {
        const d_state *e = &table[s[j & 3]];
        const d_bin *bin = &t->bin[e->bin];
        if (e->few + bin->width > bytes * 8 - at) { d_fail(c, D_CORRUPT); return; }
        s[j & 3] = e->next + (uint32_t)d_bits(p, (size_t)bytes, at, e->few);
        u[j] = bin->low + d_bits(p, (size_t)bytes, at + e->few, bin->width);
        at += e->few + bin->width;
    }
    if (at != bytes * 8 || s[0] || s[1] || s[2] || s[3]) d_fail(c, D_CORRUPT);
}

static void d_ints_binned(d_cur *c, uint32_t W, uint64_t m, uint64_t *r) {
    uint64_t base = d_value(c, W), S = 0, A = 0, R, B, M, g = 0, i, f[128], length, h;
    d_bitcur b = d_bits_from(c);
    uint32_t z = (uint32_t)d_bits_take(&b, 1), log = 6 + (uint32_t)d_bits_take(&b, 3);
    uint32_t top = (uint32_t)d_bits_take(&b, 7), k = m < 1024 ? 4 : 8, s[8], skip[2] = {0, 0}, n = 0;
    d_tree t;
    d_state *table;
    memset(&t, 0, sizeof t);
    t.q = 32;
    if (log > 11 || top > W) d_fail(c, D_CORRUPT);
    d_tree_node(&t, &b, 0, top);
    M = (uint64_t)1 << log, B = t.count;
    if (B < 1 || 2 * B > M) d_fail(c, D_CORRUPT);
    for (i = 0; i < k; i++) s[i] = (uint32_t)d_bits_take(&b, log);
    skip[0] = (uint32_t)d_bits_take(&b, 3);
    if (k == 8) skip[1] = (uint32_t)d_bits_take(&b, 3);
    d_bits_end(&b);
    length = k == 8 ? d_varint(c) : d_left(c);
    if (c->bad || length > d_left(c)) { d_fail(c, D_CORRUPT); return; }
    if (d_left(c) > m * (top <= 32 ? 32 : 64) / 8 + 512) { d_fail(c, D_CORRUPT); return; }
    for (i = 0; i < B; i++) S += t.bin[i].weight;
    R = ((M - B) << 32) / S + 1;
    for (i = 0; i < B; i++) {
        uint64_t then;
        A += t.bin[i].weight;
        then = A * R >> 32; /* A <= S: below 2^44 */
        f[i] = 1 + then - g;
        g = then;
    }
    table = (d_state *)calloc((size_t)M, sizeof *table);
    for (h = 0; h < 2; h++)
        for (i = 0; i < B; i++) {
            uint64_t x, first = h ? f[i] / 2 : 0, end = h ? f[i] : f[i] / 2;
            for (x = f[i] + first; x < f[i] + end && n < M; x++, n++) {
                uint32_t top_bit = 0;
                while (x >> (top_bit + 1)) top_bit++;
                table[n].bin = (uint32_t)i, table[n].few = log - top_bit;
                table[n].next = (uint32_t)((x << table[n].few) - M);
            }
        }
    if (n != M) d_fail(c, D_CORRUPT);
    h = k == 8 ? 4 * (m / 8) : m;
    if (!c->bad) {
        const uint8_t *p = d_take(c, length);
        d_string_values(c, p, length, skip[0], &t, table, s, h, r);
    }
    if (k == 8 && !c->bad) {
        uint64_t rest = d_left(c);
        const uint8_t *p = d_take(c, rest);
        d_string_values(c, p, rest, skip[1], &t, table, s + 4, m - h, r + h);
    }
    for (i = 0; i < m; i++) r[i] = d_low(base + (z ? d_unzigzag(r[i]) : r[i]), W);
    free(table);
}

/* n integers; c holds just them. */
static void d_ints(d_cur *c, uint32_t W, uint64_t n, uint64_t *x, int may_be_sparse) {
    static const uint8_t heads[6] = {0, 1, 2, 3, 1, 2};
    uint64_t head = d_int(c, 1), p = head & 15, coder = head >> 4, lag = 0, h, i, first[3] = {0, 0, 0};
    uint64_t *r = x;
    if (c->bad) return;
    if (n == 0) {
        if (head) d_fail(c, D_CORRUPT);
        if (d_left(c)) d_fail(c, D_CORRUPT);
        return;
    }
    if (p > 5 || coder > 3 || (coder == 2 && !may_be_sparse)) { d_fail(c, D_CORRUPT); return; }
    if (p >= 4 && (lag = d_int(c, 1)) == 0) d_fail(c, D_CORRUPT);
    h = heads[p];
    if (n <= h + lag) d_fail(c, D_CORRUPT);
    for (i = 0; i < h; i++) first[i] = d_value(c, W);
    if (c->bad) return;
    r = x + h;
    if (coder == 0) {
        uint64_t v = d_value(c, W);
        for (i = 0; i < n - h; i++) r[i] = v;
    } else if (coder == 1) d_ints_packed(c, W, n - h, r);
    else if (coder == 2) d_ints_sparse(c, W, n - h, r);
    else d_ints_binned(c, W, n - h, r);
    if (d_left(c)) d_fail(c, D_CORRUPT);
    if (c->bad) return;
    if (h > 0) x[0] = first[0];
    if (h > 1) x[1] = x[0] + first[1];
    if (h > 2) x[2] = 2 * x[1] - x[0] + first[2];
    for (i = h; i < n; i++) {
        if (p == 1) x[i] += x[i - 1];
        else if (p == 2) x[i] += 2 * x[i - 1] - x[i - 2];
        else if (p == 3) x[i] += 3 * x[i - 1] - 3 * x[i - 2] + x[i - 3];
        else if (p == 4) x[i] += x[i > lag ? i - lag : 0];
        else if (p == 5) {
            uint64_t j = i - lag < 1 || i < lag + 1 ? 1 : i - lag;
            x[i] += x[i - 1] + (x[j] - x[j - 1]);
        }
        x[i] = d_low(x[i], W);
    }
    for (i = 0; i < n; i++) x[i] = d_low(x[i], W);
}

static uint64_t d_wide(uint64_t v) { return d_low(v, 32) | ((v >> 31 & 1) ? ~(uint64_t)0 << 32 : 0); }

/* ------------------------------------------------------------- 8.7 texts, indices, planes ---- */

static void d_sized_ints(d_cur *c, uint64_t n, uint64_t *x) {
    d_cur part = d_sized(c);
    if (!part.bad) d_ints(&part, 32, n, x, 1);
    d_done(c, &part);
}

/* n numbers below d; c holds just them. */
static void d_index_numbers(d_cur *c, uint64_t n, uint64_t d, uint64_t *x) {
    uint64_t mode = d_int(c, 1), i, k, named = 0, list[17], before = 0;
    uint64_t *next;
    if (c->bad || mode > 2) { d_fail(c, D_CORRUPT); return; }
    d_ints(c, 32, n, x, 1);
    if (c->bad) return;
    memset(list, 0, sizeof list);
    next = d_values(d);
    for (i = 0; i < n && !c->bad; i++) {
        uint64_t v = x[i], y = v;
        if (mode == 1) {
            k = v < 16 ? v : 16;
            y = v < 16 ? list[v] : v == 16 ? named++ : v - 17;
            for (; k > 0; k--) list[k] = list[k - 1];
            list[0] = y;
        } else if (mode == 2) {
            if (v == 0) y = next[before];
            else if (v == 1) y = named++;
            else if (v > 4) y = v - 5;
            else
                for (y = next[next[before]]; v > 2; v--) y = next[y];
        }
        if (y >= d) { d_fail(c, D_CORRUPT); break; }
        if (mode == 2) next[before] = y, before = y;
        x[i] = y;
    }
    free(next);
}

/* text(n): n bytes. */
static void d_text_bytes(d_cur *c, uint64_t n, uint8_t *out) {
    uint64_t at = 0, i, k;
    while (at < n && !c->bad) {
        uint64_t m = d_range(c, 0, 2048), l = d_range(c, 0, 4096), used = 0;
        uint64_t *lit = d_values(l), *run = d_values(m), *len = d_values(m), *dist = d_values(m);
        if (m == 0 && l == 0) d_fail(c, D_CORRUPT);
        if (l) d_sized_ints(c, l, lit);
        if (m) d_sized_ints(c, m, run), d_sized_ints(c, m, len), d_sized_ints(c, m, dist);
        for (i = 0; i < m && !c->bad; i++) {
            uint64_t copy = len[i] + 4;
            if (run[i] > l - used || run[i] > n - at) { d_fail(c, D_CORRUPT); break; }
            for (k = 0; k < run[i]; k++) out[at++] = (uint8_t)lit[used++];
            if (copy > n - at || dist[i] == 0 || dist[i] > at) { d_fail(c, D_CORRUPT); break; }
            for (k = 0; k < copy; k++, at++) out[at] = out[at - dist[i]];
        }
        if (!c->bad && l - used > n - at) d_fail(c, D_CORRUPT);
        while (!c->bad && used < l) out[at++] = (uint8_t)lit[used++];
        free(lit), free(run), free(len), free(dist);
    }
}

static d_texts d_texts_make(uint64_t n, uint64_t total) {
    d_texts t;
    t.bytes = (uint8_t *)calloc((size_t)total + 1, 1);
    t.at = d_values(n + 1);
    return t;
}

static size_t d_digits(char *out, uint64_t v, uint64_t w) {
    return (size_t)snprintf(out, 32, "%0*" PRIu64, (int)(w ? w : 1), v);
}

/* list(n, t), all that is left of c. */
static d_texts d_text_list(d_cur *c, uint64_t n, uint64_t total) {
    d_texts t = d_texts_make(n, total);
    uint64_t form = d_int(c, 1), i, k, at = 0;
    if (c->bad || form > 1) {
        d_fail(c, D_CORRUPT);
    } else if (form == 0) {
        uint64_t *len = d_values(n);
        d_sized_ints(c, n, len);
        for (i = 0; i < n && !c->bad; i++) {
            t.at[i] = at;
            if (len[i] > total - at) d_fail(c, D_CORRUPT);
            else at += len[i];
        }
        t.at[n] = at;
        if (at != total) d_fail(c, D_CORRUPT);
        if (!c->bad) d_text_bytes(c, total, t.bytes);
        free(len);
    } else {
        uint64_t f = d_int(c, 1), w[4], klen[5], *x[4] = {NULL, NULL, NULL, NULL};
        const uint8_t *fixed[5];
        if (f < 1 || f > 4) { d_fail(c, D_CORRUPT); f = 0; }
        for (k = 0; k < f; k++) {
            klen[k] = d_int(c, 1), fixed[k] = d_take(c, klen[k]), w[k] = d_int(c, 1);
            if (w[k] > 9) d_fail(c, D_CORRUPT);
        }
        klen[f] = d_int(c, 1), fixed[f] = d_take(c, klen[f]);
        for (k = 0; k < f; k++) x[k] = d_values(n), d_sized_ints(c, n, x[k]);
        for (i = 0; i < n && !c->bad; i++) {
            t.at[i] = at;
            for (k = 0; k <= f && !c->bad; k++) {
                char digits[40];
                size_t d = 0;
                if (klen[k] > total - at) { d_fail(c, D_CORRUPT); break; }
                if (klen[k]) memcpy(t.bytes + at, fixed[k], (size_t)klen[k]);
                at += klen[k];
                if (k == f) break;
                d = d_digits(digits, x[k][i], w[k]);
                if ((w[k] && d > w[k]) || d > total - at) { d_fail(c, D_CORRUPT); break; }
                memcpy(t.bytes + at, digits, d);
                at += d;
            }
        }
        t.at[n] = at;
        if (at != total) d_fail(c, D_CORRUPT);
        for (k = 0; k < 4; k++) free(x[k]);
    }
    return t;
}

/* n strings of a column of this codec, each at most `size` bytes; c holds just the item. */
static d_texts d_text_item(d_cur *c, int codec, uint64_t n, uint64_t size) {
    d_texts t;
    uint64_t i;
    memset(&t, 0, sizeof t);
    if (codec == 0) {
        const uint8_t *p = d_take(c, 4 * (n + 1));
        uint64_t left = d_left(c);
        if (!p) return t;
        t = d_texts_make(n, left);
        for (i = 0; i <= n; i++) {
            t.at[i] = d_le(p + 4 * i, 4);
            if (t.at[i] > left || (i ? t.at[i] < t.at[i - 1] : t.at[i] != 0)) d_fail(c, D_CORRUPT);
        }
        if (t.at[n] != left) d_fail(c, D_CORRUPT);
        p = d_take(c, left);
        if (p && left) memcpy(t.bytes, p, (size_t)left);
    } else if (codec == 1) {
        uint64_t left = d_left(c);
        const uint8_t *p = d_take(c, left);
        if (left > size || left * n > D_TEXTS_MAX) { d_fail(c, D_CORRUPT); return t; }
        t = d_texts_make(n, left * n);
        for (i = 0; i < n; i++) {
            t.at[i] = i * left;
            if (left) memcpy(t.bytes + i * left, p, (size_t)left);
        }
        t.at[n] = n * left;
    } else if (codec == 32) {
        uint64_t total = d_range(c, 0, n * size < D_TEXTS_MAX ? n * size : D_TEXTS_MAX);
        if (!c->bad) t = d_text_list(c, n, total);
    } else if (codec == 33) {
        uint64_t d = d_range(c, 1, n), total, at = 0;
        uint64_t *x = d_values(n);
        d_texts words;
        d_cur part;
        memset(&words, 0, sizeof words);
        total = d_range(c, 0, d * size < D_TEXTS_MAX ? d * size : D_TEXTS_MAX);
        part = d_sized(c);
        if (!part.bad) d_index_numbers(&part, n, d, x);
        d_done(c, &part);
        if (!c->bad) words = d_text_list(c, d, total);
        for (i = 0; i < n && !c->bad; i++) at += words.at[x[i] + 1] - words.at[x[i]];
        if (!c->bad) {
            t = d_texts_make(n, at);
            for (at = i = 0; i < n; i++) {
                uint64_t len = words.at[x[i] + 1] - words.at[x[i]];
                t.at[i] = at;
                if (len) memcpy(t.bytes + at, words.bytes + words.at[x[i]], (size_t)len);
                at += len;
            }
            t.at[n] = at;
        }
        d_texts_free(&words), free(x);
    } else {
        d_fail(c, D_UNSUPPORTED);
    }
    if (!c->bad && d_left(c)) d_fail(c, D_CORRUPT);
    for (i = 0; i < n && !c->bad; i++)
        if (t.at[i + 1] - t.at[i] > size) d_fail(c, D_CORRUPT);
    return t;
}

/* ----------------------------------------------------------------------------- 8.6 numbers ---- */

static double d_f64(uint64_t bits) { double v; memcpy(&v, &bits, 8); return v; }
static float d_f32(uint32_t bits) { float v; memcpy(&v, &bits, 4); return v; }

static void d_number_item(d_cur *c, int codec, uint32_t type, uint32_t w, uint64_t n, uint64_t *v);

/* Codec 6: bits of floats in order. */
static void d_ordered(d_cur *c, uint32_t w, uint64_t n, uint64_t *v) {
    uint64_t i, sign = (uint64_t)1 << (8 * w - 1);
    d_ints(c, w == 8 ? 64 : 32, n, v, 1);
    for (i = 0; i < n && !c->bad; i++) {
        uint64_t t = d_low(v[i], 8 * w);
        v[i] = t & sign ? t ^ (sign - 1) : t;
    }
}

static void d_multiple(d_cur *c, uint32_t w, uint64_t n, uint64_t *v) {
    uint64_t head = d_int(c, 1), form = head & 7, kind = head >> 3 & 3, m = 0, i, j, at = 0;
    uint64_t *gaps = NULL, *odd = NULL, *ulps = NULL, *k;
    double B = 0, D = 0;
    uint8_t *taken;
    if (head >> 7 || form > 2) d_fail(c, D_CORRUPT);
    if (form == 0) {
        uint64_t e = d_int(c, 1), q = d_range(c, 1, 65535);
        if (e > 22 || (q != 1 && e > 15)) { d_fail(c, D_CORRUPT); e = 0; }
        for (D = (double)q; e > 0; e--) D *= 10.0;
    } else if (form == 1) {
        B = (double)d_f32((uint32_t)d_int(c, 4));
    } else {
        B = d_f64(d_int(c, 8));
    }
    if (c->bad) return;
    if (form) {
        double least = d_f64((uint64_t)(1023 - (w == 8 ? 500 : 100)) << 52), most = d_f64((uint64_t)(1023 + (w == 8 ? 500 : 60)) << 52);
        if (!(B >= least && B < most)) { d_fail(c, D_CORRUPT); return; }
    }
    if (head & 32) {
        d_cur part;
        m = d_range(c, 1, n - 1);
        if (c->bad) return;
        gaps = d_values(m), odd = d_values(m);
        d_sized_ints(c, m, gaps);
        part = d_sized(c);
        if (!part.bad) d_ordered(&part, w, m, odd);
        d_done(c, &part);
    }
    ulps = d_values(n - m), k = d_values(n - m);
    taken = (uint8_t *)calloc((size_t)n + 1, 1);
    if (head & 64) d_sized_ints(c, n - m, ulps);
    if (!c->bad) d_number_item(c, (int)kind + 2, D_I64, 8, n - m, k);
    for (i = 0; i < m && !c->bad; i++, at++) {
        at += gaps[i];
        if (at >= n) { d_fail(c, D_CORRUPT); break; }
        v[at] = odd[i], taken[at] = 1;
    }
    for (i = j = 0; i < n && !c->bad; i++) {
        int64_t whole;
        double r;
        uint64_t bits;
        if (taken[i]) continue;
        whole = d_signed(k[j]);
        if (whole < -((int64_t)1 << 51) || whole >= (int64_t)1 << 51) { d_fail(c, D_CORRUPT); break; }
        r = form ? (double)whole * B : (double)whole / D;
        if (w == 4) {
            float f = (float)r;
            uint32_t b;
            memcpy(&b, &f, 4);
            bits = b;
        } else {
            memcpy(&bits, &r, 8);
        }
        v[i] = d_low(bits + d_wide(ulps[j]), 8 * w);
        j++;
    }
    free(gaps), free(odd), free(ulps), free(k), free(taken);
}

/* n numbers of a type of w bytes; c holds just the item. */
static void d_number_item(d_cur *c, int codec, uint32_t type, uint32_t w, uint64_t n, uint64_t *v) {
    uint64_t i, o, g;
    int real = d_is_float(type);
    if (codec == 0) {
        const uint8_t *p = d_take(c, n * w);
        for (i = 0; i < n && p; i++) v[i] = d_le(p + i * w, w);
    } else if (codec == 1) {
        uint64_t one = d_int(c, w);
        for (i = 0; i < n; i++) v[i] = one;
    } else if (codec >= 2 && codec <= 5) {
        if (real) { d_fail(c, D_CORRUPT); return; }
        o = 0, g = 1;
        if (codec >= 4) {
            o = (uint64_t)d_svarint(c);
            g = d_range(c, 1, codec == 4 ? 0xFFFFFFFFu : UINT64_MAX);
        }
        if (c->bad) return;
        d_ints(c, codec & 1 ? 64 : 32, n, v, 1);
        for (i = 0; i < n && !c->bad; i++)
            v[i] = d_low(codec == 2 ? d_wide(v[i]) : o + g * v[i], 8 * w);
    } else if (codec == 6) {
        if (!real) { d_fail(c, D_CORRUPT); return; }
        d_ordered(c, w, n, v);
    } else if (codec == 8) {
        if (type != D_F32 && type != D_F64) { d_fail(c, D_CORRUPT); return; }
        d_multiple(c, w, n, v);
    } else if (codec == 12) {
        uint64_t inner = d_int(c, 1);
        if (type != D_F64 || (inner != 6 && inner != 8)) { d_fail(c, D_CORRUPT); return; }
        d_number_item(c, (int)inner, D_F32, 4, n, v);
        for (i = 0; i < n && !c->bad; i++) {
            uint64_t bits, b = v[i];
            double r;
            if ((b & 0x7F800000u) == 0x7F800000u) { /* infinite or a NaN, whose bits are kept */
                bits = (b >> 31) << 63 | (uint64_t)0x7FF << 52 | (b & 0x7FFFFFu) << 29;
            } else {
                r = (double)d_f32((uint32_t)b);
                memcpy(&bits, &r, 8);
            }
            v[i] = bits;
        }
    } else if (codec == 9) {
        uint64_t nd = d_range(c, 1, n < 2048 ? n : 2048), inner;
        uint64_t *words = d_values(nd);
        d_cur part = d_sized(c);
        inner = d_int(&part, 1);
        if (inner != 0 && inner != 8 && inner != 12 && !(inner >= 2 && inner <= 6)) d_fail(&part, D_CORRUPT);
        if (!part.bad) d_number_item(&part, (int)inner, type, w, nd, words);
        d_done(c, &part);
        if (!c->bad) d_index_numbers(c, n, nd, v);
        for (i = 0; i < n && !c->bad; i++) v[i] = words[v[i]];
        free(words);
    } else if (codec == 10) {
#if defined(TELEM_NO_LZ4)
        d_fail(c, D_UNSUPPORTED);
#else
        uint64_t left = d_left(c);
        const uint8_t *p = d_take(c, left);
        char *raw = (char *)malloc((size_t)(n * w) + 1);
        if (!p || LZ4_decompress_safe((const char *)p, raw, (int)left, (int)(n * w)) != (int)(n * w)) d_fail(c, D_CORRUPT);
        for (i = 0; i < n && !c->bad; i++) v[i] = d_le((uint8_t *)raw + i * w, w);
        free(raw);
#endif
    } else if (codec == 11) {
        uint64_t *plane = d_values(n), k;
        memset(v, 0, (size_t)n * sizeof *v);
        for (k = 0; k < w && !c->bad; k++) {
            d_sized_ints(c, n, plane);
            for (i = 0; i < n && !c->bad; i++) v[i] |= (plane[i] & 255) << 8 * k;
        }
        free(plane);
    } else {
        d_fail(c, codec == 7 || (codec > 12 && codec < 32) ? D_UNSUPPORTED : D_CORRUPT);
    }
    if (!c->bad && d_left(c)) d_fail(c, D_CORRUPT);
    if (type == D_BOOL)
        for (i = 0; i < n && !c->bad; i++)
            if (v[i] > 1) d_fail(c, D_CORRUPT);
}

/* --------------------------------------------------------------------- 8.1 to 8.4: the block ---- */

typedef struct d_key {
    uint64_t members, column[8], distinct, length;
    uint64_t *index, *place;
} d_key;

typedef struct d_item { /* a column of the block */
    int coded, codec, grouped, member; /* member: 1 + the key it belongs to */
    uint64_t size, key;
    uint64_t *v; /* of each distinct row */
    d_texts t;
} d_item;

typedef struct d_form {
    uint64_t form, distinct, keys, columns;
    d_key key[8];
    d_item *items;
} d_form;

static void d_form_keys(d_form *f, d_cur *c) {
    uint64_t k, i;
    f->keys = d_int(c, 1);
    if (f->keys < 1 || f->keys > 8) { d_fail(c, D_CORRUPT); f->keys = 0; }
    for (k = 0; k < f->keys && !c->bad; k++) {
        d_key *q = &f->key[k];
        q->members = d_range(c, 1, 8);
        for (i = 0; i < q->members && !c->bad; i++) {
            q->column[i] = d_range(c, 2, f->columns - 1);
            if (c->bad || f->items[q->column[i]].member) { d_fail(c, D_CORRUPT); break; }
            f->items[q->column[i]].member = 1 + (int)k;
        }
        q->distinct = d_range(c, 1, f->distinct);
        q->length = d_varint(c);
        if (f->form & 1) d_int(c, 4);
    }
}

/* The directory; `at` runs over the data as it will lie. */
static void d_form_directory(const decoder *d, d_form *f, d_cur *c) {
    uint64_t s, i, at = 0, sections = (f->columns + 63) / 64;
    for (i = 0; i < f->keys; i++) at += f->key[i].length;
    for (i = 0; (f->form & 1) && i < 2 * sections; i++) d_varint(c); /* for readers of few columns */
    for (s = 0; s < sections && !c->bad; s++) {
        uint64_t first = 64 * s, count = f->columns - first < 64 ? f->columns - first : 64, chunk = 0;
        d_mask m = {0, 0, 0};
        m.columns = (uint32_t)count;
        for (i = 0; i < count && !c->bad; i++) {
            d_item *item = &f->items[first + i];
            uint64_t codec, pad = 0;
            if (i % 8 == 0) d_mask_next(&m, c, (uint32_t)i);
            if (!(m.mask >> i % 8 & 1)) continue;
            item->coded = 1;
            codec = d_int(c, 1), item->size = d_varint(c);
            item->codec = (int)(codec & 63);
            if (codec & 64) item->grouped = 1, item->key = d_int(c, 1);
            if (codec & 128) d_take(c, 2);
            if (item->grouped && (item->key >= f->keys || item->member)) d_fail(c, D_CORRUPT);
            if (item->codec == 0) pad = d_align(d, (size_t)at) - at;
            at += pad + item->size, chunk += pad + item->size;
            if ((f->form & 1) && chunk >= 1024) d_int(c, 4), chunk = 0;
        }
        if ((f->form & 1) && chunk) d_int(c, 4);
    }
}

static void d_form_places(d_form *f) {
    uint64_t k, i, n = f->distinct;
    for (k = 0; k < f->keys; k++) {
        d_key *q = &f->key[k];
        uint64_t *from = d_values(q->distinct + 1), x, sum = 0;
        for (i = 0; i < n; i++) from[q->index[i]]++;
        for (x = 0; x < q->distinct; x++) { uint64_t many = from[x]; from[x] = sum, sum += many; }
        for (i = 0; i < n; i++) q->place[i] = from[q->index[i]]++;
        free(from);
    }
}

static d_cur d_part(d_cur *c, uint64_t n) {
    const uint8_t *p = d_take(c, n);
    d_cur part = d_cursor(p ? p : (const uint8_t *)"", p ? (size_t)n : 0);
    part.bad = c->bad;
    return part;
}

static void d_form_indices(d_form *f, d_cur *c) {
    uint64_t k, i, seen;
    for (k = 0; k < f->keys && !c->bad; k++) {
        d_key *q = &f->key[k];
        d_cur part = d_part(c, q->length);
        q->index = d_values(f->distinct), q->place = d_values(f->distinct);
        if (!part.bad) d_index_numbers(&part, f->distinct, q->distinct, q->index);
        d_done(c, &part);
        for (i = seen = 0; i < f->distinct && !c->bad; i++) {
            if (q->index[i] > seen) d_fail(c, D_CORRUPT);
            if (q->index[i] == seen) seen++;
        }
        if (!c->bad && seen != q->distinct) d_fail(c, D_CORRUPT);
    }
    if (!c->bad) d_form_places(f);
}

/* Which stored value row i has. */
static uint64_t d_form_from(const d_form *f, const d_item *item, uint64_t i) {
    if (item->member) return f->key[item->member - 1].index[i];
    return item->grouped ? f->key[item->key].place[i] : i;
}

static void d_form_columns(const decoder *d, const d_table *t, d_form *f, d_cur *c, const uint8_t *start) {
    uint64_t i;
    for (i = 0; i < f->columns && !c->bad; i++) {
        d_item *item = &f->items[i];
        const d_column *column = i < 2 ? NULL : &t->s->columns[t->live[i - 2]];
        uint32_t type = i == 0 ? D_U32 : i == 1 ? D_I64 : column->type, w = i == 0 ? 4 : i == 1 ? 8 : column->width;
        uint64_t n = item->member ? f->key[item->member - 1].distinct : f->distinct;
        d_cur part;
        if (!item->coded) continue;
        if (item->codec == 0) {
            size_t here = (size_t)(c->p - start);
            d_take(c, d_align(d, here) - here);
        }
        part = d_part(c, item->size);
        if (part.bad) return;
        if (d_is_text(type)) {
            item->t = d_text_item(&part, item->codec, n, type >= D_STRING ? w - 4 : w);
        } else {
            item->v = d_values(n);
            d_number_item(&part, item->codec, type, w, n, item->v);
        }
        d_done(c, &part);
    }
}

static void d_put_text_cell(const d_column *column, uint8_t *cell, const uint8_t *p, uint64_t n) {
    int variable = column->type >= D_STRING;
    memset(cell, 0, column->width);
    if (variable) d_put_le(cell, 4, n);
    if (n) memcpy(cell + (variable ? 4 : 0), p, (size_t)n);
}

/* Row `at` of the block (from 0), distinct row j; again: it repeats the one before it. */
static void d_form_row(const d_table *t, const d_form *f, uint64_t at, uint64_t j, int again) {
    uint32_t i;
    for (i = 0; i < t->live_count; i++) {
        const d_column *column = &t->s->columns[t->live[i]];
        const d_item *item = &f->items[i + 2];
        uint8_t *cell = d_cell(t, at + 1, column);
        uint64_t from = item->coded ? d_form_from(f, item, j) : 0;
        if (column->counter) {
            if (item->coded) d_put_le(cell, column->width, item->v[from] + at);
            else d_put_le(cell, column->width, d_le(d_cell(t, 0, column), column->width) + 1 + at);
        } else if (again || !item->coded) {
            continue;
        } else if (d_is_text(column->type)) {
            d_put_text_cell(column, cell, item->t.bytes + item->t.at[from], item->t.at[from + 1] - item->t.at[from]);
        } else {
            d_put_le(cell, column->width, item->v[from]);
        }
    }
}

static void d_form_rows(d_table *t, const d_form *f, d_cur *c) {
    const d_item *runs = &f->items[0], *times = &f->items[1];
    uint64_t j, n = 0, k;
    for (j = 0; j < f->distinct && !c->bad; j++) {
        uint64_t run = runs->coded ? runs->v[j] + 1 : 1;
        int64_t delta = 0;
        if (run > t->count - n) { d_fail(c, D_CORRUPT); break; }
        if (times->coded && t->key && j == 0 && times->v[0]) d_fail(c, D_CORRUPT); /* it is base_time */
        if (times->coded && f->distinct == t->count)
            delta = d_signed(times->v[j] + (uint64_t)t->s->key_time - (uint64_t)t->times[n] - (uint64_t)t->step);
        else if (times->coded)
            delta = d_signed(times->v[j]);
        for (k = 0; k < run; k++, delta = 0) {
            d_row_begin(t, n + 1, delta);
            d_form_row(t, f, n, j, k > 0);
            n++;
        }
    }
    if (n < t->count) d_fail(c, D_CORRUPT);
}

static void d_columns(const decoder *d, d_table *t, d_cur *c) {
    d_form f;
    const uint8_t *payload = c->p, *head;
    uint64_t rest = 0, i;
    memset(&f, 0, sizeof f);
    f.columns = t->live_count + 2;
    f.items = (d_item *)calloc((size_t)f.columns, sizeof *f.items);
    f.form = d_int(c, 1);
    if (!c->bad && f.form > 7) d_fail(c, D_UNSUPPORTED);
    f.distinct = d_range(c, 1, t->count < 65536 ? t->count : 65536);
    if (f.form & 1) rest = d_varint(c);
    head = c->p;
    if (f.form & 4) d_form_keys(&f, c);
    d_form_directory(d, &f, c);
    if (f.form & 1) {
        d_int(c, 4); /* the head's own check */
        if (!c->bad && (uint64_t)(c->p - head) != rest) d_fail(c, D_CORRUPT);
    }
    if (!c->bad && (f.items[0].coded != (f.distinct < t->count))) d_fail(c, D_CORRUPT);
    if (f.form & 2) {
        size_t here = (size_t)(c->p - payload);
        d_take(c, d_align(d, here) - here);
    }
    head = c->p;
    d_form_indices(&f, c);
    d_form_columns(d, t, &f, c, head);
    if (!c->bad && d_left(c)) d_fail(c, D_CORRUPT);
    if (!c->bad) d_form_rows(t, &f, c);
    for (i = 0; i < f.columns; i++) free(f.items[i].v), d_texts_free(&f.items[i].t);
    for (i = 0; i < f.keys; i++) free(f.key[i].index), free(f.key[i].place);
    free(f.items);
}
#endif
