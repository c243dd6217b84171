/* test_file_damage_mini.c - test_file_damage.c in the mini coding.  UNIT: linked */
#define TEST_CODING TELEM_FILE_MINI
#include "test_file_damage.c"
