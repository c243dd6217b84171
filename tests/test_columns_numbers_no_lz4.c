/* test_columns_numbers_no_lz4.c - all of test_columns_numbers.c without LZ4. */
#define TELEM_NO_LZ4
#include "test_columns_numbers.c"
