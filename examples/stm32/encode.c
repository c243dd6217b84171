/* encode.c - cc -I. examples/stm32/encode.c -o encode && ./encode > node_encoded.h       (on the PC)
   Prints the schemas of records.h for telem_file_small, the writer for machines with little flash: a schema's
   encoding, its fingerprint and where the columns lie are constants in the firmware then. small_node.c uses them.
   Yours: RECORDS and the tables in records.h, the clock in port.h; nothing is to be changed here. */
#define TELEM_IMPLEMENTATION
#define TELEM_NO_LZ4
#define TELEM_FILE_NO_COLUMNS
#include "telem_file.h"
#include "port.h"
#include "records.h"
#include <stdio.h>

static void put(void *user, const char *text) {
    (void)user;
    fputs(text, stdout);
}

#define CONSTANTS(type, object) \
    if (telem_file_small_encode(&type##_schema, NULL, 1, &e, memory, sizeof memory) < 0) return 1; /* 1: that clock */ \
    telem_file_small_print(&e, &type##_schema, #object, put, NULL); \
    puts("TELEM_STATIC_ASSERT(" #object "_FITS(" #type "), records_h_was_changed_print_it_again);");

int main(void) {
    static uint64_t memory[4096 / 8];
    telem_clock clock = TELEM_ZERO;
    telem_file_encoded e;
    clock.hz_num = PORT_HZ;
    clock.hz_den = 1;
    clock.bits = PORT_BITS;
    puts("/* Printed by encode.c from records.h. */");
    if (telem_file_small_print_clock(&clock, "port_clock", 1, "port_ticks", put, NULL) != TELEM_OK) return 1;
    RECORDS(CONSTANTS)
    return 0;
}
