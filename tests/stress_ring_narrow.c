/* stress_ring_narrow.c - stress_ring.c with 32-bit cursors, as on every Cortex-M. */
#define TELEM_HAS_ATOMIC64 0
#include "stress_ring.c"
