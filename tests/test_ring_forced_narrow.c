/* test_ring_forced_narrow.c - all of test_ring_forced.c with 32-bit cursors.  UNIT: posix, UNIT: optimised */
#define TEST_WIDE 0
#include "test_ring_forced.c"
