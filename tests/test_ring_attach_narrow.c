/* test_ring_attach_narrow.c - all of test_ring_attach.c with 32-bit cursors. */
#define TEST_WIDE 0
#include "test_ring_attach.c"
