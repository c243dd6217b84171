/* headers.c - the implementation of telem_file.h and of what it needs, for the tests that are linked with it
   (tests/unit.sh: "UNIT: linked"). */
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem_file.h"
#define TEST_HEADERS
#include "peek.h"
