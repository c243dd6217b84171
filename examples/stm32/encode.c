/* encode.c - cc -I. examples/stm32/encode.c -o encode && ./encode > node_encoded.h       (on the PC)
   Prints the schemas of records.h for telem_file_small, the writer for machines with little flash: a schema's
   encoding, its fingerprint and where the columns lie are constants in the firmware then. README.md shows their use. */
#define TELEM_IMPLEMENTATION
#define TELEM_NO_LZ4
#define TELEM_FILE_NO_COLUMNS
#include "telem_file.h"
#include "records.h"
#include <stdio.h>

static void put(void *user, const char *text) {
    (void)user;
    fputs(text, stdout);
}

int main(void) {
    static uint64_t memory[4096 / 8];
    telem_clock clock = TELEM_ZERO;
    telem_file_encoded e;
    clock.hz_num = 1000000; /* TIM2 of the board, in microseconds */
    clock.hz_den = 1;
    clock.bits = 32;
    puts("/* Printed by encode.c from records.h. */");
    if (telem_file_small_print_clock(&clock, "node_clock", 1, "TIM2", put, NULL) != TELEM_OK) return 1;
    if (telem_file_small_encode(&Node_schema, NULL, 1, &e, memory, sizeof memory) < 0) return 1; /* 1: that clock */
    telem_file_small_print(&e, &Node_schema, "node", put, NULL);
    puts("TELEM_STATIC_ASSERT(node_FITS(Node), records_h_was_changed_print_it_again);");
    return 0;
}
