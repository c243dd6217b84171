/* telem.h: results, byte order, varints, atomics, clocks, io. */
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem.h"

#include "check.h"
#include <stdio.h>
#if !defined(_WIN32)
#include <fcntl.h>
#include <unistd.h>
#endif

/* ------------------------------------------------------------------------------ results ---- */

TEST(every_result_has_name_text_and_cause) {
#define X(name, value, text, cause) \
    CHECK_EQ_INT(name, value); \
    CHECK_STR(telem_result_name(name), #name); \
    CHECK_STR(telem_result_text(name), text); \
    CHECK(strlen(telem_result_cause(name)) > 0);
    TELEM_RESULTS(X)
#undef X
    CHECK_STR(telem_result_text((telem_result)-99), "unknown result");
    CHECK_STR(telem_result_name((telem_result)-99), "unknown result");
    CHECK_STR(telem_result_cause((telem_result)-99), "unknown result");
}

TEST(version_macros_agree) {
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", TELEM_VERSION_MAJOR, TELEM_VERSION_MINOR, TELEM_VERSION_PATCH);
    CHECK_STR(text, TELEM_VERSION_STRING);
    CHECK_EQ_INT(TELEM_VERSION, TELEM_VERSION_MAJOR * 1000000 + TELEM_VERSION_MINOR * 1000 + TELEM_VERSION_PATCH);
}

TELEM_STATIC_ASSERT(sizeof(uint32_t) == 4, a_static_assert_at_file_scope);

TEST(zero_desc_is_all_zero) {
    telem_clock c = TELEM_ZERO;
    telem_clock z;
    TELEM_STATIC_ASSERT(sizeof(uint64_t) == 8, a_static_assert_in_a_block);
    memset(&z, 0, sizeof z);
    CHECK(c.read == z.read && c.hz_num == 0 && c.bits == 0);
}

/* ----------------------------------------------------------------- byte order and varints ---- */

TEST(bytes_are_little_endian) {
    uint8_t b[9];
    int at;
    for (at = 0; at < 2; at++) { /* aligned or not */
        static const uint8_t want[8] = {0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23, 0x01};
        telem_put64(b + at, 0x0123456789ABCDEFu);
        CHECK_MEM(b + at, want, 8);
        CHECK(telem_get64(b + at) == 0x0123456789ABCDEFu);
        CHECK(telem_get32(b + at) == 0x89ABCDEFu);
        CHECK(telem_get16(b + at) == 0xCDEFu);
        telem_put32(b + at, 0xDEADBEEFu);
        CHECK(telem_get32(b + at) == 0xDEADBEEFu && b[at] == 0xEF);
        telem_put16(b + at, 0xBEEFu);
        CHECK(telem_get16(b + at) == 0xBEEFu && b[at + 1] == 0xBE);
    }
}

TEST(zigzag_keeps_small_magnitudes_small) {
    static const int64_t v[] = {0, -1, 1, -2, 2, INT64_MAX, INT64_MIN};
    static const uint64_t z[] = {0, 1, 2, 3, 4, UINT64_MAX - 1, UINT64_MAX};
    size_t i;
    for (i = 0; i < sizeof v / sizeof v[0]; i++) {
        CHECK(telem_zigzag(v[i]) == z[i]);
        CHECK(telem_unzigzag(z[i]) == v[i]);
    }
}

TEST(every_varint_has_one_form) {
    uint64_t rng = check_seed(), v, back;
    uint8_t b[TELEM_VARINT_MAX + 1];
    int i;
    for (i = 0; i < 100000; i++) {
        size_t n, cut;
        v = check_rand(&rng) >> (check_rand(&rng) & 63u);
        n = telem_varint_put(b, v);
        CHECK(n == telem_varint_size(v) && n <= TELEM_VARINT_MAX);
        back = ~v;
        CHECK_EQ_INT(telem_varint_get(b, n, &back), n);
        CHECK(back == v);
        for (cut = 0; cut < n; cut++) {
            back = 7;
            CHECK_EQ_INT(telem_varint_get(b, cut, &back), TELEM_ERR_TRUNCATED);
            CHECK(back == 7);
        }
        b[n - 1] |= 0x80u; /* a longer form of the same value */
        b[n] = 0;
        if (n < TELEM_VARINT_MAX) CHECK_EQ_INT(telem_varint_get(b, n + 1, &back), TELEM_ERR_CORRUPT);
    }
}

TEST(varint_over_64_bits_is_corrupt) {
    uint8_t b[12];
    uint64_t v = 5;
    memset(b, 0xFF, sizeof b);
    b[9] = 1;
    CHECK_EQ_INT(telem_varint_get(b, 10, &v), 10);
    CHECK(v == UINT64_MAX);
    v = 5;
    b[9] = 2;
    CHECK_EQ_INT(telem_varint_get(b, 10, &v), TELEM_ERR_CORRUPT);
    b[9] = 0x81;
    CHECK_EQ_INT(telem_varint_get(b, 12, &v), TELEM_ERR_CORRUPT);
    b[9] = 0;
    CHECK_EQ_INT(telem_varint_get(b, 10, &v), TELEM_ERR_CORRUPT);
    CHECK(v == 5);
}

/* ------------------------------------------------------------------------------ atomics ---- */

TEST(atomics_do_what_they_say) {
    telem_atomic32 a = 5;
    uint32_t e = 5;
    CHECK_EQ_INT(TELEM_FETCH_ADD32(&a, 3u), 5);
    CHECK_EQ_INT(TELEM_LOAD32_RELAXED(&a), 8);
    CHECK(!TELEM_CAS32(&a, &e, 9u));
    CHECK_EQ_INT(e, 8); /* tells what was there */
    CHECK(TELEM_CAS32(&a, &e, 9u));
    CHECK_EQ_INT(TELEM_LOAD32_ACQUIRE(&a), 9);
    TELEM_STORE32_RELEASE(&a, 1u);
    TELEM_FENCE_ACQUIRE();
    TELEM_FENCE_RELEASE();
    TELEM_FENCE_SEQ_CST();
    TELEM_STORE32_RELAXED(&a, TELEM_LOAD32_RELAXED(&a) + 1u);
    CHECK_EQ_INT(a, 2);
#if TELEM_HAS_ATOMIC64
    {
        telem_atomic64 b = UINT64_MAX;
        uint64_t f = 0;
        CHECK(TELEM_FETCH_ADD64(&b, (uint64_t)2) == UINT64_MAX);
        CHECK(!TELEM_CAS64(&b, &f, (uint64_t)7) && f == 1);
        CHECK(TELEM_CAS64(&b, &f, (uint64_t)7));
        CHECK(TELEM_LOAD64_ACQUIRE(&b) == 7 && TELEM_LOAD64_RELAXED(&b) == 7);
        TELEM_STORE64_RELEASE(&b, (uint64_t)8);
        TELEM_STORE64_RELAXED(&b, TELEM_LOAD64_RELAXED(&b) + 1u);
        CHECK(b == 9);
    }
#endif
}

/* ------------------------------------------------------------------------------- clocks ---- */

static telem_clock narrow(unsigned bits) {
    telem_clock c = TELEM_ZERO;
    c.bits = (uint8_t)bits;
    return c;
}

TEST(narrow_counter_is_extended_over_wraps) {
    uint64_t rng = check_seed();
    unsigned bits;
    for (bits = 8; bits <= 64; bits += 4) {
        uint64_t mask = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1, now = check_rand(&rng) & mask >> 1;
        telem_clock c = narrow(bits);
        telem_clock_state s;
        int i;
        telem_clock_start(&s, &c, now);
        for (i = 0; i < 5000 && now < (uint64_t)1 << 62; i++) {
            uint64_t step = check_rand(&rng) % (mask / 16 * 15 - 1);
            if (bits > 40) step &= 0xFFFFFFFFu;
            now += step;
            CHECK_EQ_INT(telem_clock_extend(&s, now & mask), now);
        }
    }
}

TEST(a_step_back_is_not_a_wrap) {
    telem_clock c = narrow(16);
    telem_clock_state s;
    telem_clock_start(&s, &c, 10);
    CHECK_EQ_INT(telem_clock_extend(&s, 5), 5); /* read before, logged after */
    CHECK_EQ_INT(telem_clock_extend(&s, 0xFFFF), -1);
    CHECK_EQ_INT(telem_clock_extend(&s, 20), 20);
    CHECK_EQ_INT(telem_clock_extend(&s, 20), 20);
    CHECK_EQ_INT(telem_clock_extend(&s, 19), 19);
    CHECK_EQ_INT(s.last, 20);
}

TEST(sync_bridges_a_silence_of_many_wraps) {
    uint64_t rng = check_seed();
    int i;
    for (i = 0; i < 2000; i++) {
        telem_clock c = narrow(16);
        telem_clock_state s;
        int64_t now = (int64_t)(check_rand(&rng) % 100000), coarse;
        telem_clock_start(&s, &c, (uint64_t)now & 0xFFFFu);
        s.last = now;
        now += (int64_t)(check_rand(&rng) % ((uint64_t)1 << 40));
        coarse = now + (int64_t)(check_rand(&rng) % 65534) - 32767; /* right within half a wrap */
        CHECK_EQ_INT(telem_clock_sync(&s, (uint64_t)now & 0xFFFFu, coarse), now);
        CHECK_EQ_INT(telem_clock_extend(&s, (uint64_t)(now + 100) & 0xFFFFu), now + 100);
        CHECK_EQ_INT(telem_clock_sync(&s, 0, 0), now + 100); /* never backwards */
    }
}

TEST(wide_counter_syncs_to_its_own_reading) {
    telem_clock c = narrow(0);
    telem_clock_state s;
    telem_clock_start(&s, &c, 7);
    CHECK_EQ_INT(s.bits, 64);
    CHECK_EQ_INT(telem_clock_sync(&s, 1000, 12), 1000);
}

TEST(ticks_become_nanoseconds_exactly) {
    telem_clock c = TELEM_ZERO;
    CHECK_EQ_INT(telem_ticks_to_ns(&c, 12345), 12345);
    c.hz_num = 48000000;
    CHECK_EQ_INT(telem_ticks_to_ns(&c, 48), 1000);
    CHECK_EQ_INT(telem_ticks_to_ns(&c, 1), 21);  /* 20.83 */
    CHECK_EQ_INT(telem_ticks_to_ns(&c, -1), -21);
    CHECK_EQ_INT(telem_ns_to_ticks(&c, 1000), 48);
    c.hz_num = 32768;
    CHECK_EQ_INT(telem_ticks_to_ns(&c, 32768LL * 86400 * 365 * 100), 86400LL * 365 * 100 * 1000000000);
    CHECK_EQ_INT(telem_ticks_to_ns(&c, INT64_MAX), INT64_MAX);
    CHECK_EQ_INT(telem_ticks_to_ns(&c, INT64_MIN), INT64_MIN);
    c.hz_num = 10000000;
    c.hz_den = 3; /* 3.33 MHz */
    CHECK_EQ_INT(telem_ticks_to_ns(&c, 1), 300);
    CHECK_EQ_INT(telem_ticks_to_ns(&c, 1000000007), 300000002100);
}

TEST(muldiv_rounds_once_and_saturates) {
    uint64_t rng = check_seed();
    int i;
    CHECK_EQ_INT(telem_muldiv(5, 1, 2), 3);   /* ties away from zero */
    CHECK_EQ_INT(telem_muldiv(-5, 1, 2), -3);
    CHECK_EQ_INT(telem_muldiv(INT64_MIN, 1, 1), INT64_MIN);
    CHECK_EQ_INT(telem_muldiv(INT64_MAX, UINT64_MAX, UINT64_MAX), INT64_MAX);
    CHECK_EQ_INT(telem_muldiv(INT64_MIN, UINT64_MAX, UINT64_MAX), INT64_MIN);
    CHECK_EQ_INT(telem_muldiv(INT64_MAX, 2, 1), INT64_MAX);
    CHECK_EQ_INT(telem_muldiv(1, 1, UINT64_MAX), 0);
#if defined(__SIZEOF_INT128__)
    for (i = 0; i < 200000; i++) {
        __extension__ typedef unsigned __int128 u128;
        int64_t a = (int64_t)(check_rand(&rng) >> (check_rand(&rng) & 63u)), got;
        uint64_t b = check_rand(&rng) >> (check_rand(&rng) & 63u), c = (check_rand(&rng) >> (check_rand(&rng) & 63u)) | 1u, m;
        u128 q;
        if (check_rand(&rng) & 1u) a = -a;
        m = a < 0 ? (uint64_t)0 - (uint64_t)a : (uint64_t)a;
        q = (u128)m * b;
        q = q / c + (q % c >= c - q % c ? 1u : 0u);
        got = telem_muldiv(a, b, c);
        if (q > (u128)INT64_MAX) CHECK(got == (a < 0 ? INT64_MIN : INT64_MAX) || (a < 0 && q == (u128)1 << 63));
        else CHECK_EQ_INT(got, a < 0 ? -(int64_t)q : (int64_t)q);
    }
#else
    (void)rng;
    (void)i;
#endif
}

TEST(system_clocks_run) {
#if TELEM_HAS_SYSTEM
    telem_clock m = telem_clock_monotonic(), u = telem_clock_utc();
    uint64_t a = m.read(m.user), b;
    do b = m.read(m.user);
    while (b == a);
    CHECK(b > a);
    CHECK_EQ_INT(m.domain, TELEM_DOMAIN_BOOT);
    CHECK_EQ_INT(u.domain, TELEM_DOMAIN_UTC);
    CHECK(u.read(u.user) > 1600000000000000000u); /* after 2020 */
#else
    SKIP("no system clocks in this build");
#endif
}

/* ----------------------------------------------------------------------------------- io ---- */

TEST(memory_io_is_a_file_in_memory) {
    uint8_t buf[16], got[16];
    telem_memory_io m;
    telem_io io = telem_io_memory(&m, buf, sizeof buf);
    CHECK_EQ_INT(io.write(io.user, "hello", 5), 5);
    CHECK_EQ_INT(io.size(io.user), 5);
    CHECK_OK(io.seek(io.user, 1));
    CHECK_EQ_INT(io.read(io.user, got, 16), 4);
    CHECK_MEM(got, "ello", 4);
    CHECK_EQ_INT(io.read(io.user, got, 16), 0);
    CHECK_OK(io.seek(io.user, 8));
    CHECK_EQ_INT(io.write(io.user, "x", 1), 1);
    CHECK_EQ_INT(buf[6], 0); /* a hole reads as zeros */
    CHECK_OK(io.truncate(io.user, 2));
    CHECK_EQ_INT(io.size(io.user), 2);
    CHECK_OK(io.allocate(io.user, 4, 4));
    CHECK_EQ_INT(io.size(io.user), 8);
    CHECK_EQ_INT(io.allocate(io.user, 10, 7), TELEM_ERR_SPACE);
    CHECK_EQ_INT(io.truncate(io.user, 17), TELEM_ERR_SPACE);
    CHECK_EQ_INT(io.seek(io.user, 17), TELEM_ERR_ARG);
    CHECK(io.map(io.user, 2, 6, 1) == buf + 2);
    CHECK(io.map(io.user, 2, 7, 1) == NULL);
    CHECK_OK(io.unmap(io.user, buf + 2, 6));
    CHECK_OK(io.sync(io.user));
}

TEST(io_reports_short_writes_and_errors) {
    uint8_t buf[4];
    telem_memory_io m;
    telem_io io = telem_io_memory(&m, buf, sizeof buf);
    CHECK_EQ_INT(io.write(io.user, "abcdef", 6), 4);
    CHECK_EQ_INT(io.write(io.user, "g", 1), TELEM_ERR_SPACE);
    CHECK_EQ_INT(telem_io_write_all(&io, "g", 1), TELEM_ERR_SPACE);
    CHECK_EQ_INT(telem_io_write_all(&io, "g", 0), TELEM_OK);
    io = telem_io_memory_view(&m, "abc", 3);
    CHECK_EQ_INT(io.write(io.user, "x", 1), TELEM_ERR_ACCESS);
    CHECK_EQ_INT(io.truncate(io.user, 1), TELEM_ERR_ACCESS);
    CHECK(io.map(io.user, 0, 3, 1) == NULL);
    CHECK(io.map(io.user, 0, 3, 0) != NULL);
    CHECK_EQ_INT(telem_io_read_all(&io, buf, 4), 3);
    CHECK_EQ_INT(telem_io_read_all(&io, buf, 4), 0);
}

/* An io that gives and takes a little at a time, then answers a code. */
typedef struct drip {
    int64_t budget;
    telem_result then;
} drip;
static int64_t drip_write(void *user, const void *buf, size_t n) {
    drip *d = (drip *)user;
    (void)buf;
    if (d->budget <= 0) return d->then;
    if (n > 3) n = 3;
    d->budget -= (int64_t)n;
    return (int64_t)n;
}
static int64_t drip_read(void *user, void *buf, size_t n) {
    drip *d = (drip *)user;
    if (d->budget <= 0) return d->then;
    if (n > 3) n = 3;
    memset(buf, 'd', n);
    d->budget -= (int64_t)n;
    return (int64_t)n;
}

TEST(write_all_and_read_all_loop_over_short_transfers) {
    telem_io io = TELEM_ZERO;
    drip d;
    uint8_t buf[100] = {0};
    io.user = &d;
    io.write = drip_write;
    io.read = drip_read;
    d.budget = 100;
    d.then = TELEM_ERR_IO;
    CHECK_OK(telem_io_write_all(&io, buf, 100));
    d.budget = 50;
    CHECK_EQ_INT(telem_io_write_all(&io, buf, 100), TELEM_ERR_IO);
    d.budget = 0;
    d.then = TELEM_OK; /* takes nothing and says no error: refused, not looped for ever */
    CHECK_EQ_INT(telem_io_write_all(&io, buf, 1), TELEM_ERR_IO);
    d.budget = 30;
    CHECK_EQ_INT(telem_io_read_all(&io, buf, 100), 30);
    d.budget = 30;
    d.then = TELEM_AGAIN;
    CHECK_EQ_INT(telem_io_read_all(&io, buf, 100), 30); /* what was there is not thrown away */
    CHECK_EQ_INT(telem_io_read_all(&io, buf, 100), TELEM_AGAIN);
    d.budget = 30;
    d.then = TELEM_ERR_IO;
    CHECK_EQ_INT(telem_io_read_all(&io, buf, 100), TELEM_ERR_IO);
}

TEST(stdio_io_reads_back_what_it_wrote) {
    FILE *f = tmpfile();
    telem_io io;
    char got[8];
    if (!f) SKIP("no temporary file");
    io = telem_io_stdio(f);
    CHECK_EQ_INT(io.write(io.user, "stdio", 5), 5);
    CHECK_EQ_INT(io.size(io.user), 5);
    CHECK_OK(io.seek(io.user, 2));
    CHECK_EQ_INT(io.read(io.user, got, 8), 3);
    CHECK_MEM(got, "dio", 3);
    CHECK_OK(io.sync(io.user));
    CHECK(io.truncate == NULL && io.map == NULL);
    fclose(f);
}

TEST(full_device_is_no_space_through_stdio) {
    FILE *f = fopen("/dev/full", "w");
    telem_io io;
    if (!f) SKIP("no /dev/full");
    setvbuf(f, NULL, _IONBF, 0);
    io = telem_io_stdio(f);
    CHECK_EQ_INT(io.write(io.user, "x", 1), TELEM_ERR_SPACE);
    fclose(f);
}

#if defined(_WIN32)
TEST(fd_io_reads_back_what_it_wrote) { SKIP("POSIX"); }
TEST(fd_io_names_the_error) { SKIP("POSIX"); }
TEST(pipe_has_no_seek_and_answers_again) { SKIP("POSIX"); }
#else
TEST(fd_io_reads_back_what_it_wrote) {
    char path[] = "/tmp/telem-test-XXXXXX", got[8];
    int fd = mkstemp(path);
    telem_io io;
    void *map;
    REQUIRE(fd >= 0);
    unlink(path);
    io = telem_io_fd(fd);
    REQUIRE(io.seek && io.size && io.truncate && io.allocate && io.map);
    CHECK_EQ_INT(io.write(io.user, "file descriptor", 15), 15);
    CHECK_EQ_INT(io.size(io.user), 15);
    CHECK_OK(io.seek(io.user, 5));
    CHECK_EQ_INT(io.read(io.user, got, 4), 4);
    CHECK_MEM(got, "desc", 4);
    CHECK_OK(io.sync(io.user));
    CHECK_OK(io.truncate(io.user, 4));
    CHECK_EQ_INT(io.size(io.user), 4);
    CHECK_EQ_INT(io.allocate(io.user, 0, 4096), TELEM_OK);
    CHECK_EQ_INT(io.size(io.user), 4096);
    map = io.map(io.user, 0, 4096, 1);
    REQUIRE(map != NULL);
    CHECK_MEM(map, "file", 4);
    CHECK_OK(io.unmap(io.user, map, 4096));
    CHECK_EQ_INT(io.seek(io.user, (uint64_t)INT64_MAX + 1u), TELEM_ERR_ARG);
    CHECK_EQ_INT(io.truncate(io.user, (uint64_t)INT64_MAX + 1u), TELEM_ERR_ARG);
    CHECK_EQ_INT(io.allocate(io.user, 1, (uint64_t)INT64_MAX), TELEM_ERR_ARG);
    close(fd);
}

TEST(fd_io_names_the_error) {
    int fd = open("/dev/full", O_WRONLY);
    telem_io io;
    char c;
    if (fd >= 0) {
        io = telem_io_fd(fd);
        CHECK_EQ_INT(io.write(io.user, "x", 1), TELEM_ERR_SPACE);
        close(fd);
    }
    io = telem_io_fd(fd >= 0 ? fd : 9999); /* closed by now */
    CHECK_EQ_INT(io.write(io.user, "x", 1), TELEM_ERR_ACCESS);
    CHECK_EQ_INT(io.read(io.user, &c, 1), TELEM_ERR_ACCESS);
}

TEST(pipe_has_no_seek_and_answers_again) {
    int fd[2];
    telem_io in, out;
    char got[8];
    REQUIRE(pipe(fd) == 0);
    REQUIRE(fcntl(fd[0], F_SETFL, O_NONBLOCK) == 0);
    in = telem_io_fd(fd[0]);
    out = telem_io_fd(fd[1]);
    CHECK(in.seek == NULL && in.size == NULL && in.map == NULL);
    CHECK_EQ_INT(in.read(in.user, got, 8), TELEM_AGAIN);
    CHECK_OK(telem_io_write_all(&out, "pipe", 4));
    CHECK_OK(out.sync(out.user)); /* nothing to sync is no error */
    CHECK_EQ_INT(in.read(in.user, got, 8), 4);
    close(fd[1]);
    CHECK_EQ_INT(in.read(in.user, got, 8), 0);
    close(fd[0]);
}
#endif

int main(void) {
    RUN(every_result_has_name_text_and_cause);
    RUN(version_macros_agree);
    RUN(zero_desc_is_all_zero);
    RUN(bytes_are_little_endian);
    RUN(zigzag_keeps_small_magnitudes_small);
    RUN(every_varint_has_one_form);
    RUN(varint_over_64_bits_is_corrupt);
    RUN(atomics_do_what_they_say);
    RUN(narrow_counter_is_extended_over_wraps);
    RUN(a_step_back_is_not_a_wrap);
    RUN(sync_bridges_a_silence_of_many_wraps);
    RUN(wide_counter_syncs_to_its_own_reading);
    RUN(ticks_become_nanoseconds_exactly);
    RUN(muldiv_rounds_once_and_saturates);
    RUN(system_clocks_run);
    RUN(memory_io_is_a_file_in_memory);
    RUN(io_reports_short_writes_and_errors);
    RUN(write_all_and_read_all_loop_over_short_transfers);
    RUN(stdio_io_reads_back_what_it_wrote);
    RUN(full_device_is_no_space_through_stdio);
    RUN(fd_io_reads_back_what_it_wrote);
    RUN(fd_io_names_the_error);
    RUN(pipe_has_no_seek_and_answers_again);
    return CHECK_MAIN_END();
}
