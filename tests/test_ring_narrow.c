/* test_ring_narrow.c - all of test_ring.c with 32-bit cursors, as on every Cortex-M. */
#define TEST_WIDE 0
#include "test_ring.c"
