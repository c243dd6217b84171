/* model_ring_narrow.cc - the same with 32-bit cursors. */
#define MODEL_WIDE 0
#include "model_ring.cc"
