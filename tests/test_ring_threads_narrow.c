/* test_ring_threads_narrow.c - all of test_ring_threads.c with 32-bit cursors.  UNIT: threads */
#define TELEM_HAS_ATOMIC64 0
#include "test_ring_threads.c"
