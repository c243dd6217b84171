/* hosted.h - before a test of tests/*.c that runs on an emulated board: newlib over semihosting has no environment. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>
static inline char *mcu_getenv(const char *name) {
    static char seed[] = "20261", quick[] = "1";
    return strcmp(name, "CHECK_SEED") == 0 ? seed : strcmp(name, "CHECK_QUICK") == 0 ? quick : NULL;
}
#define getenv(name) mcu_getenv(name)
