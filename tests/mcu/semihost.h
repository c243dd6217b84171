/* semihost.h - how a program on an emulated board speaks to the host: text, files, exit status. */
#ifndef SEMIHOST_H
#define SEMIHOST_H
#include <stdint.h>
#include <string.h>

static inline intptr_t semihost(int op, const void *arg) {
    register int r0 __asm__("r0") = op;
    register const void *r1 __asm__("r1") = arg;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static inline void host_print(const char *text) { (void)semihost(0x04, text); }

static inline void host_number(uint32_t n) {
    char s[12], *p = s + 11;
    *p = 0;
    do *--p = (char)('0' + n % 10); while (n /= 10);
    host_print(p);
}

/* The emulator ends with this status: 0 passed, 99 a fault. */
static inline void host_exit(int status) {
    uintptr_t block[2] = {0x20026, 0};
    block[1] = (uintptr_t)status;
    for (;;) (void)semihost(0x20, block);
}

/* mode: 1 "rb", 3 "r+b", 5 "wb", 9 "ab". Negative: it could not be opened. */
static inline intptr_t host_open(const char *path, unsigned mode) {
    uintptr_t block[3] = {0, 0, 0};
    block[0] = (uintptr_t)path, block[1] = mode, block[2] = strlen(path);
    return semihost(0x01, block);
}
static inline int host_write(intptr_t file, const void *data, size_t n) {
    uintptr_t block[3] = {0, 0, 0};
    block[0] = (uintptr_t)file, block[1] = (uintptr_t)data, block[2] = n;
    return semihost(0x05, block) == 0;
}
static inline size_t host_read(intptr_t file, void *data, size_t n) {
    uintptr_t block[3] = {0, 0, 0};
    block[0] = (uintptr_t)file, block[1] = (uintptr_t)data, block[2] = n;
    return n - (size_t)semihost(0x06, block);
}
static inline int host_seek(intptr_t file, uint32_t at) {
    uintptr_t block[2] = {0, 0};
    block[0] = (uintptr_t)file, block[1] = at;
    return semihost(0x0A, block) == 0;
}
static inline void host_close(intptr_t file) {
    uintptr_t block[1] = {0};
    block[0] = (uintptr_t)file;
    (void)semihost(0x02, block);
}
/* The words behind -semihosting-config arg=... */
static inline void host_arguments(char *text, size_t size) {
    uintptr_t block[2] = {0, 0};
    block[0] = (uintptr_t)text, block[1] = size - 1;
    text[0] = 0;
    (void)semihost(0x15, block);
}
#endif
