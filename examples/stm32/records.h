/* records.h - what a node with 32 KB of flash records, for its firmware and for encode.c on a PC. */
#ifndef RECORDS_H
#define RECORDS_H
#include "telem_schema.h"

#define NODE_TABLE(F)                                                                    \
    F(COUNT, u32, n, "number of this record")                                            \
    F(SCALEDS, i16, accel, 3, "m/s^2", 0.0023956, 0.0, "acceleration")                   \
    F(FULL, f32, volt, 0, "V", 1.0, 0.0, TELEM_DECIMALS(3), 0, "supply, to a millivolt") \
    F(FIELD, bool_, armed, "", "")
TELEM_DEFINE(Node, NODE_TABLE, "a small node");

/* What encode.c prints: a struct and the name of its constant, for each stream. */
#define RECORDS(R) R(Node, node)
#endif
