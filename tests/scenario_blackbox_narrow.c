/* scenario_blackbox_narrow.c - scenario_blackbox.c with 32-bit cursors, as on every Cortex-M.
   UNIT: posix
   UNIT: native */
#define TELEM_HAS_ATOMIC64 0
#include "scenario_blackbox.c"
