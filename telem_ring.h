/* telem_ring.h - v0.1 - record ring for threads and interrupts - C99 and C++11 - MIT (end of file)

   USE
       In ONE .c (or .cc) file, before the include:

           #define TELEM_IMPLEMENTATION
           #include "telem_ring.h"

       Everywhere else include it without the define. Needs telem.h beside it and of libc only
       memcpy, memset and memcmp. No malloc, no locks, no system calls, no OS header.

   QUICK START (the whole program is examples/ring_hello.c)

       static uint64_t memory[4096 / 8], copy[256 / 8];
       telem_ring_desc d = TELEM_ZERO;
       telem_ring_reader_desc look = TELEM_ZERO;
       telem_ring *ring;
       telem_ring_writer w;
       telem_ring_reader rd;
       telem_ring_record rec;

       d.memory = memory;  d.memory_size = sizeof memory;
       d.lanes = 1;        d.policy = TELEM_RING_OVERWRITE;
       telem_ring_init(&ring, &d);
       telem_ring_writer_init(&w, ring, TELEM_RING_CLAIM);
       look.copy = copy;   look.copy_size = sizeof copy;
       telem_ring_reader_init(&rd, ring, &look);

       telem_ring_push(&w, 1, 100, "hello", 5);            // stream 1, time 100
       while (telem_ring_peek(&rd, &rec) == TELEM_OK) {
           use(rec.stream, rec.time, rec.data, rec.len);
           telem_ring_release(&rd);
       }

   GUARANTEES AND LIMITS (each with the test in tests/test_ring.c that proves it)
       - A record is delivered whole or not at all, never torn, never twice, never under another's
         stream or time.                    push_interrupted_anywhere_by_producers_and_readers
                                            read_interrupted_anywhere_by_writers
                                            producers_and_readers_agree (test_ring_threads.c)
       - Accounts close: offered = committed + refused + aborted + open; per reader, committed since
         its start = delivered + filtered + lost + queued.
                                            random_operations_agree_with_the_model
       - A lane's push is wait-free and uses no read-modify-write instruction; the shared lane's is
         lock-free: it repeats only because another push, or an end of one, went through.
                                            commit_interrupted_anywhere
       - REFUSE: a record that a gating reader has not released is not overwritten, and a span that
         peek gave stays as it is; the new record is refused and counted.
                                            refused_record_is_counted
                                            peeked_span_is_stable_until_release
                                            reader_that_joins_inside_a_push_is_not_overwritten
         Only gating readers hold space: without one a REFUSE ring overwrites as the other does.
                                            without_gating_readers_nothing_is_refused
       - A gating reader that does not move is expelled when its timeout is over, and told.
                                            dead_gating_reader_is_expelled_and_told
       - OVERWRITE, and readers that do not gate: a lapped reader goes on with the oldest block that
         is whole and knows exactly how many records it lost.
                                            lapped_reader_knows_exactly_how_many_it_lost
       - A producer that is parked or dies between begin and commit costs its own record, and the
         bytes of its span for as long as it stays. Readers do not wait for it for longer than
         desc.stall. (16 at a time; a 17th that is lapped makes pushes answer FULL until one leaves.)
                                            parked_producer_costs_its_own_record
                                            lapped_producer_never_tears_a_record
                                            too_many_parked_producers_refuse_and_recover
       - A record takes 16 bytes (lane) or 24 (shared lane) besides its payload, which is rounded up
         to 8; with 8 bytes of payload at most 32.   small_record_takes_at_most_32_bytes
       - Records may span the wrap, or, with desc.contiguous, never do.
                                            span_is_filled_in_place_across_the_wrap
                                            contiguous_record_never_wraps
       - 32-bit cursors (no lock-free 64-bit atomics) give the same answers.
                                            the same tests, test_ring_narrow.c
       - No recursion. Loops are bounded by the number of lanes, blocks or parked producers, but for
         the retries of the shared lane named above. The largest stack frame is init's: 272 bytes on
         x86-64, 216 on Cortex-M4 (gcc 12, -fstack-usage); those of pushes and reads are smaller.
       Not here (yet): attaching to a ring that another process or an earlier life left behind.

   CONTENTS
       concepts . who may call what . sizes . full . parked producers . time . options . porting
       . horizons;  ordering stands in front of the implementation

   CONCEPTS
       A ring has single-writer LANES and, for whoever has none, one SHARED lane. Give each thread
       a lane (TELEM_RING_CLAIM), each interrupt priority one (by number: interrupts of one
       priority cannot interrupt each other, so they are one writer). Lanes are cheap to write: no
       atomic read-modify-write, no cache line that another producer writes. The shared lane takes
       any number of producers at the same time, in any nesting, at the price of both.
       A READER sees all lanes, merged by time stamp: among the lanes that have something, the one
       with the smallest stamp is next. A record that is committed later with an older stamp comes
       later. Readers are independent; each has its filter, its account and its losses.
       A GATING reader (REFUSE only) holds what it has not released. All others may be overtaken;
       they copy, and check afterwards that nothing changed under the copy.

   WHO MAY CALL WHAT
       telem_ring_push/begin/commit/abort on a lane's handle: its one owner, thread or ISR. On a
           shared handle: any thread, any ISR, many at once, with ONE handle, which never changes.
           An ISR may interrupt any of these calls at any instruction and push into another lane or
           the shared one. On ARMv6-M a shared push masks interrupts for single read-modify-writes
           only (telem.h).
       peek/release/read and the rest of a reader: one thread (or ISR) per reader.
       init functions: init of the ring once, before all; of writers and readers any time.
       stats: any thread.

   SIZES
       memory = 256 + readers * round64(16 + 16 * (lanes + 1))
              + lanes * (192 + round64(16 * lane_bytes / block) + lane_bytes)
              + (shared ? 256 + round64(24 * shared_records) + shared_bytes : 0)
       block = lane_bytes / 16, at least 64, at most 4096. telem_ring_bytes() knows it exactly.
       A lapped reader finds the ring again at a block's start, so up to a block more than what is
       overwritten counts as lost. A push costs the same whatever the size.

   FULL
       OVERWRITE: never in a lane; in the shared lane only for a producer's own record when it was
       parked too long (below). REFUSE: TELEM_FULL, counted (telem_ring_stats: how many, which stream, from
       when to when). What a reader missed is told by telem_ring_reader_loss, after the peek that
       found out: count and the stamps on both sides of the gap.

   PARKED PRODUCERS (shared lane)
       A and B are producers, R a reader; A begins record 7 and is suspended:
         1. A commits late, nobody minded: the record is delivered in its place.
         2. B commits 8, 9.. R finds 7 uncommitted with others behind it, answers EMPTY for this
            lane for desc.stall, then REVOKES 7 and goes on. 7 counts as refused at that moment.
         3. B fills the ring until it needs 7's bytes or descriptor: B revokes 7 and goes on.
       From then on, whenever the ring comes round to A's bytes it steps over them: A may still
       write there, at any time, and hits nothing but its own span. When A commits at last it is
       told TELEM_FULL, and its bytes return to the ring. When A is dead they never do.
       Single-writer lanes have none of this: a parked owner holds up nobody but itself.
       Why the reader revokes instead of stepping over: then each record has one fate, the same
       for all readers, and counts are exact.

   TIME
       int64 ticks of one clock, the caller's or desc.clock's with TELEM_RING_NOW. Clocks narrower
       than 64 bits are extended, per lane; a lane that is silent for more than half a wrap needs
       telem_ring_sync.

   OPTIONS (besides those of telem.h; the same in all files)
       TELEM_RING_MEMCPY     payloads move by memcpy instead of relaxed atomic words: faster, but
                             readers that do not gate then race formally with writers (their
                             validation makes it harmless on all compilers that we know; TSan
                             complains)

   PORTING
       All shared words go through the macros of telem.h. A byte order, word size or compiler shows
       in the layout; it is not a file format.

   HORIZONS
       64-bit cursors do not wrap. 32-bit ones count units of 8 bytes and are compared by
       difference: a reader that sleeps while a lane writes 16 GB is wrong about its losses. The
       shared lane numbers records by 32 bits in all builds: the same after 2^31 records. A
       producer in the shared lane that is suspended between two instructions of a reservation
       while exactly shared_records * 2^(28 - log2(max_record + 8)) records (or a multiple) go
       through could take a number twice; that is 2^26 records with the defaults, 2^29 with a
       max_record of 1/8 of that. */

#include "telem.h"

#ifndef TELEM_RING_H
#define TELEM_RING_H

/* ------------------------------------------------------------------------------ constants ---- */

/* desc.policy: what a full ring does. Fixed numbers, never an enum: they live in shared memory. */
#define TELEM_RING_REFUSE 0u    /* the new record is refused (TELEM_FULL) while a gating reader needs the old */
#define TELEM_RING_OVERWRITE 1u /* the oldest records make room: a flight recorder */

/* telem_ring_writer_init's lane, besides a number 0 .. lanes-1 */
#define TELEM_RING_SHARED (-1) /* the lane of many producers */
#define TELEM_RING_CLAIM (-2)  /* any single-writer lane that is free */

#define TELEM_RING_NOW INT64_MIN        /* as a record's time: read the desc's clock */
#define TELEM_RING_MANY UINT32_MAX      /* in a loss: records of more than one stream, or unknown */
#define TELEM_RING_OLDEST 0u            /* reader desc.start: what the ring still holds */
#define TELEM_RING_LATEST 1u            /* reader desc.start: what is committed from now on (in the
                                           shared lane also what stands behind a record that is
                                           still open) */
#define TELEM_RING_HEADER 16u           /* bytes that a record adds to its payload, in a lane */
#define TELEM_RING_SHARED_HEADER 24u    /* the same in the shared lane (a descriptor) */
#define TELEM_RING_LANE_MIN 512u        /* smallest lane_bytes and shared_bytes */
#define TELEM_RING_SHARED_RECORD_MAX 1048568u /* largest max_record of a ring with a shared lane */
#define TELEM_RING_PARKED_MAX 16        /* parked producers that the shared lane steps around */
#define TELEM_RING_CURSORS 9            /* lanes + shared that a reader holds without desc.cursors */

/* ---------------------------------------------------------------------------------- types ---- */

/* Cursors are 64 bits where the machine has such atomics, else 32. One answer for a whole program:
   TELEM_HAS_ATOMIC64 of telem.h. They count units of 8 bytes. */
#if TELEM_HAS_ATOMIC64
typedef uint64_t telem_i_pos;
typedef int64_t telem_i_spos;
typedef telem_atomic64 telem_i_ring_cell;
typedef struct telem_i_ring_word {
    telem_atomic64 v;
} telem_i_ring_word;
#else
typedef uint32_t telem_i_pos;
typedef int32_t telem_i_spos;
typedef telem_atomic32 telem_i_ring_cell;
typedef struct telem_i_ring_word {
    telem_atomic32 v;
    uint32_t unused; /* a cursor's slot is 8 bytes in every build */
} telem_i_ring_word;
#endif

/* A ring. Lives at the start of desc.memory, holds offsets instead of pointers. */
typedef struct telem_ring telem_ring;

typedef struct telem_ring_desc {
    void *memory;            /* 8-aligned (64: no false sharing); the caller's, until the last use */
    size_t memory_size;      /* bytes; what telem_ring_bytes() says, or more */
    uint32_t lanes;          /* single-writer lanes, 0..65535 */
    uint32_t lane_bytes;     /* data bytes of each, a power of two >= 512; 0: as large as fits */
    uint32_t shared_bytes;   /* data bytes of the shared lane, a power of two >= 512; 0: none, or,
                                with lanes == 0, as large as fits */
    uint32_t shared_records; /* descriptors of the shared lane, a power of two >= 32: how many
                                records it holds at most; 0: shared_bytes / 16 */
    uint32_t policy;         /* TELEM_RING_REFUSE (0) or TELEM_RING_OVERWRITE */
    uint32_t max_record;     /* largest payload in bytes; 0: a quarter of the smallest lane, which
                                is also the most that may be asked for */
    uint32_t readers;        /* gating readers at the same time, 0..255; 0: 4 */
    uint8_t contiguous;      /* 1: no record spans the wrap (part[1] is empty; room for DMA) */
    const telem_clock *clock; /* copied. For TELEM_RING_NOW; NULL: the caller stamps */
    uint64_t stall;          /* how long readers of the shared lane wait for an uncommitted record
                                that holds up later ones, in clock ticks (without a clock: in
                                calls); 0: 100 ms (without a clock: 1000 calls). At most
                                half a wrap of the clock; longer becomes that */
} telem_ring_desc;

typedef struct telem_i_ring_lane telem_i_ring_lane;
typedef struct telem_i_ring_shared telem_i_ring_shared;
typedef struct telem_i_ring_slot telem_i_ring_slot;

/* A producer's handle. The fields are the implementation's. */
typedef struct telem_ring_writer {
    telem_ring *ring;
    telem_i_ring_lane *lane;     /* NULL: the shared lane, and then nothing below changes */
    telem_i_ring_shared *shared;
    telem_i_ring_cell *data;
    telem_i_pos pos, limit;      /* where the next record starts; free without asking up to here */
    telem_i_pos floor;           /* what lane->floor holds */
    telem_i_pos mask;
    telem_i_pos seq;             /* records committed so far */
    uint32_t max_record;
    uint32_t pad, units;         /* of the open record */
    int32_t index;
    uint8_t open;
    const telem_clock *clock;
    telem_clock_state clock_state;
} telem_ring_writer;

/* A reserved record, to be filled in place. part[1] is NULL and size[1] 0 unless it wraps. */
typedef struct telem_ring_span {
    void *part[2];
    uint32_t size[2]; /* bytes; size[0] + size[1] == the record's length */
    telem_i_pos pos;  /* the rest is the implementation's */
    uint32_t number;
} telem_ring_span;

/* A record as a reader sees it. */
typedef struct telem_ring_record {
    uint32_t stream;
    uint32_t len;     /* bytes at data */
    int64_t time;     /* ticks */
    const void *data; /* 8-aligned */
    uint32_t lane;    /* 0 .. lanes-1, or lanes for the shared lane */
} telem_ring_record;

typedef struct telem_ring_loss {
    uint64_t count;  /* committed records that the reader did not get */
    int64_t first;   /* stamp of the last record before the (first) gap, INT64_MIN when none */
    int64_t last;    /* stamp of the first record behind the (last) gap, INT64_MAX when none yet */
    uint32_t stream; /* TELEM_RING_MANY: the bytes are gone, and with them the stream */
} telem_ring_loss;

/* offered == committed + refused + aborted + open, whenever no call is under way. */
typedef struct telem_ring_counts {
    uint64_t offered;   /* pushes and begins that were not answered with ERR */
    uint64_t committed;
    uint64_t refused;   /* answered TELEM_FULL, or revoked while parked */
    uint64_t aborted;
    uint64_t open;      /* begun, neither committed nor aborted (yet) */
    uint64_t bytes;     /* of ring that the committed records took, headers included */
    uint64_t expelled;  /* gating readers thrown out */
    uint32_t refused_stream; /* the stream of the refused, TELEM_RING_MANY when several (or none) */
    int64_t refused_first, refused_last; /* their stamps; exact when no writer is at work */
} telem_ring_counts;

/* committed since the start position == delivered + filtered + lost + queued */
typedef struct telem_ring_reader_counts {
    uint64_t delivered, filtered, lost, queued;
} telem_ring_reader_counts;

typedef struct telem_ring_reader_desc {
    uint8_t gating;          /* 1: holds space in a REFUSE ring (ERR_ARG in an OVERWRITE ring) */
    uint8_t start;           /* TELEM_RING_OLDEST (0) or TELEM_RING_LATEST */
    void *copy;              /* 8-aligned buffer for peek: needed by readers that do not gate, and
                                for records that span the wrap. NULL: peek has only stable spans */
    size_t copy_size;        /* bytes; max_record is enough */
    const uint32_t *streams; /* deliver only these; the caller's, while the reader lives */
    uint32_t stream_count;   /* 0: all */
    telem_filter filter;     /* NULL: all. Sees stable bytes */
    void *filter_user;
    uint64_t timeout;        /* gating: expelled when a writer found the ring full because of this
                                reader, and it has not moved for so many ticks; 0: never */
    void *cursors;           /* for more than 8 lanes: 8-aligned, TELEM_RING_CURSOR_BYTES(lanes) */
    size_t cursors_size;
} telem_ring_reader_desc;

typedef struct telem_i_ring_cursor {
    telem_i_pos pos;   /* lane: unit; shared: record number */
    telem_i_pos seen;  /* lane: committed as last loaded */
    uint64_t seq;      /* lane: records before pos; shared: unused */
    uint32_t voids;    /* shared: numbers before pos that carry no record */
    uint32_t stall_number;
    uint64_t stall_since;
    int64_t last;      /* stamp of the latest record passed */
    int64_t time;      /* the head record, when has is set */
    uint32_t len, stream;
    uint8_t has, gap, stalled, passed;
} telem_i_ring_cursor;
#define TELEM_RING_CURSOR_BYTES(lanes) (((size_t)(lanes) + 1u) * sizeof(telem_i_ring_cursor))

/* A reader's handle. The fields are the implementation's. */
typedef struct telem_ring_reader {
    telem_ring *ring;
    telem_ring_reader_desc desc;
    telem_i_ring_slot *slot;     /* NULL: does not gate */
    uint32_t slot_state;
    uint32_t count;              /* cursors in use */
    uint32_t held;               /* 1 + cursor of the record that is peeked at; 0: none */
    telem_ring_record record;
    uint64_t delivered, filtered, lost;
    telem_ring_loss loss;        /* since last asked */
    telem_i_ring_cursor own[TELEM_RING_CURSORS];
} telem_ring_reader;

/* ----------------------------------------------------------------------------------- ring ---- */

/* Bytes of memory that a desc with explicit sizes needs (lane_bytes when lanes > 0, shared_bytes
   when there is to be a shared lane). 0 when a size is out of range. */
TELEM_API size_t telem_ring_bytes(const telem_ring_desc *desc);

/* Lays the ring out in desc->memory; *ring is that memory. One thread, before all others.
   TELEM_OK, ERR_ARG (NULL, alignment, a size that is no power of two, lanes == shared == 0),
   ERR_LIMIT (max_record above a quarter of a lane), ERR_MEMORY (does not fit). */
TELEM_API telem_result telem_ring_init(telem_ring **ring, const telem_ring_desc *desc);

/* The largest payload, and the data bytes of a lane (index `lanes`: of the shared lane). */
TELEM_API uint32_t telem_ring_max_record(const telem_ring *ring);
TELEM_API uint32_t telem_ring_lane_bytes(const telem_ring *ring, uint32_t lane);

/* Sums over all lanes, or of one (index `lanes`: the shared lane; ERR_ARG beyond). Any thread;
   walks the descriptors of the shared lane. Exact when no writer is at work, else a snapshot. */
TELEM_API telem_result telem_ring_stats(const telem_ring *ring, telem_ring_counts *counts);
TELEM_API telem_result telem_ring_lane_stats(const telem_ring *ring, uint32_t lane,
                                             telem_ring_counts *counts);

/* -------------------------------------------------------------------------------- writing ---- */

/* Binds a handle to a lane: a number, TELEM_RING_SHARED or TELEM_RING_CLAIM. Any thread.
   TELEM_OK; ERR_ARG: no such lane; ERR_EXISTS: the lane has a writer; TELEM_FULL: none is free. */
TELEM_API telem_result telem_ring_writer_init(telem_ring_writer *w, telem_ring *ring, int lane);
/* Gives the lane back; what it holds stays readable. ERR_STATE while a record is open. */
TELEM_API telem_result telem_ring_writer_deinit(telem_ring_writer *w);

/* One record, copied. A lane's handle: its one owner (thread, or interrupts of one priority),
   wait-free. A shared handle: any thread and ISR at once, lock-free (a retry means that another
   push went through). time: ticks, or TELEM_RING_NOW.
   TELEM_OK; TELEM_FULL: refused and counted; ERR_LIMIT: len > max_record; ERR_ARG: NOW without a
   clock; ERR_STATE: a record is open in this lane. */
TELEM_API telem_result telem_ring_push(telem_ring_writer *w, uint32_t stream, int64_t time,
                                       const void *data, uint32_t len);

/* The same in two steps: begin gives the span, commit publishes it, abort gives it up. Between,
   the caller fills the parts with plain stores (or DMA). Where a reader that does not gate may
   look on, that is formally a data race, which its validation makes harmless; telem_ring_span_write
   is free of it. A lane has one open record at a time, the shared lane as many as wanted.
   commit: TELEM_OK, or TELEM_FULL: the record was open for so long that the ring went round (or
   a reader lost patience); it is void and was counted as refused. abort: TELEM_OK; the record counts
   as aborted, or stays counted as refused when it had been revoked. Else answers as push. */
TELEM_API telem_result telem_ring_begin(telem_ring_writer *w, uint32_t stream, int64_t time,
                                        uint32_t len, telem_ring_span *span);
TELEM_API telem_result telem_ring_commit(telem_ring_writer *w, telem_ring_span *span);
TELEM_API telem_result telem_ring_abort(telem_ring_writer *w, telem_ring_span *span);
/* n bytes at `offset` of the record. ERR_LIMIT when they do not lie inside it. */
TELEM_API telem_result telem_ring_span_write(telem_ring_writer *w, telem_ring_span *span,
                                             uint32_t offset, const void *data, uint32_t n);

/* With a clock narrower than 64 bits: tells that its extended time is now about `ticks` (right
   within half a wrap), after a silence longer than half a wrap in this lane. Lane: its owner;
   shared: while no other thread pushes. */
TELEM_API telem_result telem_ring_sync(telem_ring_writer *w, int64_t ticks);

/* -------------------------------------------------------------------------------- reading ---- */

/* A reader belongs to one thread. Any number of them; none of them slows a writer, but gating
   ones hold their space. TELEM_OK; ERR_ARG; ERR_MEMORY: more than 8 lanes and no desc.cursors;
   TELEM_FULL: the table of gating readers is; TELEM_AGAIN: a writer was faster, eight times. */
TELEM_API telem_result telem_ring_reader_init(telem_ring_reader *rd, telem_ring *ring,
                                              const telem_ring_reader_desc *desc);
/* Gives the gate back. NULL-safe on a zeroed reader. */
TELEM_API void telem_ring_reader_deinit(telem_ring_reader *rd);

/* The oldest record that passes the filters: over all lanes that have one, the smallest stamp.
   Stays the same until release. A gating reader gets the ring's own bytes where they lie in one
   piece, all others a validated copy in desc.copy.
   TELEM_OK; TELEM_EMPTY; TELEM_EXPELLED, once: the reader no longer gates and goes on as one that
   can lose; ERR_MEMORY: a copy is needed and desc.copy is absent or too small (rec->len says what
   it takes; release skips the record and counts it as lost); TELEM_AGAIN: many filtered records
   in one call, or overtaken again and again: call again; ERR_CORRUPT: the ring's memory was
   overwritten by somebody. Losses never hide records: they are told by telem_ring_reader_loss. */
TELEM_API telem_result telem_ring_peek(telem_ring_reader *rd, telem_ring_record *rec);
/* Done with the record. TELEM_OK; ERR_STATE: none is held; TELEM_EXPELLED: the bytes may have
   changed under peek: discard what was made of them (the record is counted as lost). */
TELEM_API telem_result telem_ring_release(telem_ring_reader *rd);

/* peek, copy into buf, release, in one. rec->data is buf. ERR_MEMORY when len > cap: nothing is
   consumed, rec->len says what it takes. ERR_STATE while a record is peeked at. */
TELEM_API telem_result telem_ring_read(telem_ring_reader *rd, telem_ring_record *rec, void *buf, size_t cap);

/* What was lost since the last call of this. TELEM_OK, or TELEM_EMPTY: nothing (count 0). */
TELEM_API telem_result telem_ring_reader_loss(telem_ring_reader *rd, telem_ring_loss *loss);
/* The reader's account since its start; a loss that it has not come across yet is in queued. */
TELEM_API telem_result telem_ring_reader_stats(const telem_ring_reader *rd, telem_ring_reader_counts *counts);

#endif /* TELEM_RING_H */

/* ---- Stop here if you only use the API. ------------------------------------------------------ */

#if defined(TELEM_IMPLEMENTATION) && !defined(TELEM_RING_H_IMPLEMENTATION)
#define TELEM_RING_H_IMPLEMENTATION

/* >>ordering

   OWNERS. Each word has one writer, or is changed by CAS only.
     lane->committed, count          the lane's owner (who holds lane->owner, taken by CAS)
     lane->floor, anchors, data      the same
     slot->state                     CAS: a reader FREE -> JOINING, a writer ACTIVE -> EXPELLED;
                                     store: the reader JOINING -> ACTIVE, ACTIVE|EXPELLED -> FREE
     slot gates                      the reader; since: CAS by writers; since_gate: a hint
     shared->tail, cleared           CAS, upwards only
     shared->hint                    a hint: stored by whoever took a number, may go back
     descriptor->state               CAS
     descriptor->start, voids        CAS, upwards only, to a value that follows from what precedes:
                                     all who try for the same number write the same, and one who
                                     comes late finds that the old value is gone
     descriptor->stream, time; span  who reserved the number, until its commit, abort or exit
     parking[]                       CAS 0 -> number by whoever moves the tail, number -> 0 by the
                                     owner on his way out; start: CAS as above

   A LANE is a ring of units of 8 bytes. Positions only grow.

       floor <= oldest record <= ... <= committed <= limit <= floor + size
       bytes in [floor, committed) are records; below floor anything may be overwritten

     A record is {len, stream, time, payload}. The owner raises floor by a block at a time, notes
     for each block where the first record that starts in it begins and its number (the anchor),
     writes, and publishes by committed. A reader that finds floor above its position takes the
     anchor of the first block above floor; the difference of the numbers is its loss. An anchor
     of block b is overwritten only after floor has passed b, so the same test validates it.
     In REFUSE mode a floor above a gate means only that the owner tried; it does not write there.

   THE SHARED LANE gives each record a number n. Its descriptor, n mod records, holds the state;
   data spans follow each other in the order of the numbers:

       start(n) = start(n-1) + units(n-1)         units(ZOMBIE), units(GONE) = 0

       lap n-N |-> RESERVED(n) --commit--> COMMITTED(n) ----------------------> lap n+N
               |      |   |---- abort ---> VOID(n) ----------------------------> lap n+N
               |      | tail or reader       ^
               |      v                      | exit
               |   REVOKED(n) ---------------+
               |      | head comes round while the owner is still inside
               |      v
               |   ZOMBIE(n+N) --> ZOMBIE(n+2N) .. --exit--> GONE(n+kN) -------> lap n+(k+1)N
               |-> VOID(n): stepped over a parked span, or over the ring's end (contiguous)

     Numbers below tail are retired: their state is final, their bytes are free, but for the spans
     of REVOKED and ZOMBIE owners, which stand in parking[] before the tail passes. voids(n)
     counts the numbers below n that carry no record, and is set before the tail reaches n.
     INVARIANTS: state changes to lap n only after n - N was retired. A number that a reader has
     passed is final. A span that anybody may still write into is in [start(tail), head) or parked.
     In REFUSE mode `cleared` stands in for the tail where writers ask what is free: it follows the
     tail when no gate lies below.

   EDGES (release at the left, acquire at the right; what breaks without)
     E1  commit: store committed      | load committed in head, boundary      header, payload, anchors
     E2  claim: floor, fence          | lane_intact: fence, load floor        torn record accepted
     E3  claim: floor (release)       | lane_oldest: floor                    committed older than floor
     E4  pass: gate                   | gate_lag                              record overwritten while read
     E5  expel: CAS state, fence      | check, trusted: (fence) load state    torn record accepted
     E6  join: gate, SEQ fence, load floor or tail | claim, clear: floor or tail, SEQ fence, load gates
                                        (store-load on both sides: one of them sees the other)
                                                                              gate missed by both
     E7  clear: CAS cleared           | try: cleared                          write under a gate
     E8  retire: CAS tail             | try, oldest: tail                     stale voids, state, parking
     E9  end: CAS state to VOID, GONE | obstacle, next: state                 late store hits a new record
     E10 park: entry, SEQ fence, state | end: state, SEQ fence, entries       entry that nobody removes
     E11 begin: tail seen, fence      | shared_intact: fence, load tail       torn record accepted
     E12 end: CAS state to COMMITTED  | head: load state                      stream, time, payload
     E13 writer, slot: given back     | taken                                 lane's cursors, gates
   Relaxed, because: payload and headers (validated by E2, E11, or held by a gate), counts
   (statistics), hint (only a guess), the owner's loads of what he alone writes. */


/* A test may start all cursors elsewhere, e.g. just below their wrap. A multiple of 2^20. */
#ifndef TELEM_I_RING_START
#define TELEM_I_RING_START 0
#endif

/* >>layout */

#define TELEM_I_RING_MAGIC 0x676E6952u /* "Ring" */
#define TELEM_I_RING_LAYOUT 1u
#define TELEM_I_RING_PAD 0x80000000u   /* in a header's len: skip so many bytes, no record */
#define TELEM_I_RING_BUDGET 65536u     /* records that one call passes over at most */

#if TELEM_HAS_ATOMIC64
#define TELEM_I_POS_RELAXED(w) TELEM_LOAD64_RELAXED(&(w)->v)
#define TELEM_I_POS_ACQUIRE(w) TELEM_LOAD64_ACQUIRE(&(w)->v)
#define TELEM_I_POS_SET_RELAXED(w, x) TELEM_STORE64_RELAXED(&(w)->v, x)
#define TELEM_I_POS_SET_RELEASE(w, x) TELEM_STORE64_RELEASE(&(w)->v, x)
#define TELEM_I_CELL_LOAD(p) TELEM_LOAD64_RELAXED(p)
#define TELEM_I_CELL_STORE(p, x) TELEM_STORE64_RELAXED(p, x)
#define TELEM_I_CELLS 1u /* of a unit of 8 bytes */
#else
#define TELEM_I_POS_RELAXED(w) TELEM_LOAD32_RELAXED(&(w)->v)
#define TELEM_I_POS_ACQUIRE(w) TELEM_LOAD32_ACQUIRE(&(w)->v)
#define TELEM_I_POS_SET_RELAXED(w, x) TELEM_STORE32_RELAXED(&(w)->v, x)
#define TELEM_I_POS_SET_RELEASE(w, x) TELEM_STORE32_RELEASE(&(w)->v, x)
#define TELEM_I_CELL_LOAD(p) TELEM_LOAD32_RELAXED(p)
#define TELEM_I_CELL_STORE(p, x) TELEM_STORE32_RELAXED(p, x)
#define TELEM_I_CELLS 2u
#endif

/* A count that anybody may read. 32-bit words carry by hand: a reader in the very middle of a
   carry sees a value 2^32 too low. */
typedef struct telem_i_ring_count {
    telem_atomic32 lo, hi;
} telem_i_ring_count;

/* What a lane has refused, and to whom. */
typedef struct telem_i_ring_refused {
    telem_i_ring_count count;
    telem_atomic32 any, stream;
    telem_atomic32 first[2], last[2];
} telem_i_ring_refused;

struct telem_i_ring_lane {
    telem_i_ring_word committed; /* end of the last committed record */
    telem_i_ring_word count;     /* records committed */
    telem_atomic32 count_hi;     /* narrow builds: upper half of count */
    uint32_t gap0[11];
    telem_i_ring_word floor;     /* bytes before it may be overwritten at any time */
    telem_atomic32 owner;        /* 0: free, 1: has a writer */
    telem_atomic32 open;
    telem_i_ring_count aborted;
    telem_i_ring_refused refused;
    int64_t clock_last;          /* the writer's alone: the extended clock, from owner to owner */
    uint32_t clock_started;
    uint32_t gap1[15];
};

/* For each block of a lane: where the first record that starts in it (or behind) is. */
typedef struct telem_i_ring_anchor {
    telem_i_ring_word pos, seq;
} telem_i_ring_anchor;

typedef struct telem_i_ring_parked {
    telem_atomic32 number; /* 0: free; else number << 1 | 1 */
    telem_atomic32 start;  /* unit where the span begins */
} telem_i_ring_parked;

struct telem_i_ring_shared {
    telem_atomic32 tail;      /* numbers before it are retired */
    telem_atomic32 tail_hi;
    telem_atomic32 cleared;   /* REFUSE: numbers before it are needed by no gating reader */
    telem_atomic32 hint;      /* near the next free number */
    telem_atomic32 parked;    /* entries in use below, at least */
    telem_atomic32 wraps;     /* of a narrow clock, in halves */
    uint32_t gap0[10];
    telem_i_ring_count aborted;
    telem_i_ring_refused refused;
    uint32_t gap1[6];
    telem_i_ring_parked parking[TELEM_RING_PARKED_MAX];
};

typedef struct telem_i_ring_descriptor {
    telem_atomic32 state;   /* lap tag | bytes | state */
    telem_atomic32 start;   /* unit where the span begins; by CAS, upwards only */
    telem_atomic32 voids;   /* numbers before this one that carry no record; by CAS, upwards only */
    telem_atomic32 stream;  /* these three: the owner, between reservation and commit */
    telem_atomic32 time[2]; /* low, high */
} telem_i_ring_descriptor;

/* A gating reader's row: where it stands in each lane. */
typedef struct telem_i_ring_gate {
    telem_i_ring_word pos;     /* the reader: nothing from here on may be overwritten */
    telem_atomic32 since;      /* the writers: the moment they first found it here, in quanta */
    telem_atomic32 since_gate; /* and which position that was */
} telem_i_ring_gate;

struct telem_i_ring_slot {
    telem_atomic32 state;  /* generation << 2 | TELEM_I_SLOT_x */
    telem_atomic32 limit;  /* timeout in quanta; 0: never */
    telem_atomic32 shift;  /* a quantum is 2^shift ticks */
    uint32_t gap;
};
#define TELEM_I_SLOT_FREE 0u
#define TELEM_I_SLOT_JOINING 1u
#define TELEM_I_SLOT_ACTIVE 2u
#define TELEM_I_SLOT_EXPELLED 3u

/* Constant after init, but for the one count. */
struct telem_ring {
    uint32_t magic, layout;
    uint32_t lanes, lane_units, block_units, block_log2, lane_stride;
    uint32_t shared_units, shared_records, length_bits, tag_mask;
    uint32_t policy, contiguous, max_record;
    uint32_t readers, slot_stride;
    uint32_t lanes_at, slots_at, shared_at; /* byte offsets from the ring */
    uint64_t stall;
    telem_i_ring_count expelled;
    telem_clock clock; /* valid in the process that called init; not part of the layout */
    uint32_t has_clock;
};

TELEM_STATIC_ASSERT(sizeof(telem_i_ring_word) == 8, telem_i_ring_word_is_8_bytes);
TELEM_STATIC_ASSERT(sizeof(telem_i_ring_descriptor) == 24, telem_i_ring_descriptor_is_24_bytes);
TELEM_STATIC_ASSERT(sizeof(struct telem_i_ring_lane) == 192, telem_i_ring_lane_is_3_lines);
TELEM_STATIC_ASSERT(sizeof(struct telem_i_ring_shared) % 64 == 0, telem_i_ring_shared_is_lines);

static size_t telem_i_ring_align(size_t n) { return (n + 63u) & ~(size_t)63u; }
static int telem_i_ring_is_power(uint32_t n) { return n != 0 && (n & (n - 1u)) == 0; }
static uint32_t telem_i_ring_log2(uint32_t n) {
    uint32_t bits = 0;
    while (n >>= 1) bits++;
    return bits;
}

static char *telem_i_ring_at(const telem_ring *r, size_t offset) {
    union {
        const void *from;
        char *to;
    } base; /* the ring's constant head, and the words behind it */
    base.from = r;
    return base.to + offset;
}
static telem_i_ring_lane *telem_i_ring_lane_at(const telem_ring *r, uint32_t i) {
    return (telem_i_ring_lane *)(void *)telem_i_ring_at(r, r->lanes_at + (size_t)i * r->lane_stride);
}
static uint32_t telem_i_ring_blocks(const telem_ring *r) { return r->lane_units >> r->block_log2; }
static telem_i_ring_anchor *telem_i_ring_anchor_at(const telem_ring *r, telem_i_ring_lane *l, telem_i_pos block) {
    return (telem_i_ring_anchor *)(void *)((char *)l + sizeof *l) + (size_t)(block & (telem_i_ring_blocks(r) - 1u));
}
static telem_i_ring_cell *telem_i_ring_lane_data(const telem_ring *r, telem_i_ring_lane *l) {
    return (telem_i_ring_cell *)(void *)((char *)l + r->lane_stride - (size_t)r->lane_units * 8u);
}
static telem_i_ring_shared *telem_i_ring_shared_of(const telem_ring *r) {
    return r->shared_units ? (telem_i_ring_shared *)(void *)telem_i_ring_at(r, r->shared_at) : NULL;
}
static telem_i_ring_descriptor *telem_i_shared_desc(const telem_ring *r, telem_i_ring_shared *s, uint32_t n) {
    return (telem_i_ring_descriptor *)(void *)((char *)s + sizeof *s) + (size_t)(n & (r->shared_records - 1u));
}
static telem_i_ring_cell *telem_i_shared_data(const telem_ring *r, telem_i_ring_shared *s) {
    return (telem_i_ring_cell *)(void *)((char *)s + sizeof *s +
                                         telem_i_ring_align(r->shared_records * sizeof(telem_i_ring_descriptor)));
}
static telem_i_ring_slot *telem_i_ring_slot_at(const telem_ring *r, uint32_t i) {
    return (telem_i_ring_slot *)(void *)telem_i_ring_at(r, r->slots_at + (size_t)i * r->slot_stride);
}
static telem_i_ring_gate *telem_i_ring_gate_of(telem_i_ring_slot *s, uint32_t lane) {
    return (telem_i_ring_gate *)(void *)((char *)s + sizeof *s) + lane;
}

/* ---- counts ---- */

/* One owner: a load and a store. Several: a read-modify-write. */
static void telem_i_count_add(telem_i_ring_count *c, int several) {
    uint32_t lo;
    if (several) {
        if (TELEM_FETCH_ADD32(&c->lo, 1u) == UINT32_MAX) (void)TELEM_FETCH_ADD32(&c->hi, 1u);
        return;
    }
    lo = TELEM_LOAD32_RELAXED(&c->lo) + 1u;
    if (lo == 0) TELEM_STORE32_RELAXED(&c->hi, TELEM_LOAD32_RELAXED(&c->hi) + 1u);
    TELEM_STORE32_RELAXED(&c->lo, lo);
}
static uint64_t telem_i_count_get(const telem_i_ring_count *c) {
    uint32_t hi = TELEM_LOAD32_ACQUIRE(&c->hi), lo = TELEM_LOAD32_ACQUIRE(&c->lo);
    return (uint64_t)TELEM_LOAD32_RELAXED(&c->hi) == hi ? (uint64_t)hi << 32 | lo : (uint64_t)(hi + 1u) << 32;
}

static void telem_i_time_store(telem_atomic32 *to, int64_t time) {
    TELEM_STORE32_RELAXED(&to[0], (uint32_t)((uint64_t)time & UINT32_MAX));
    TELEM_STORE32_RELAXED(&to[1], (uint32_t)((uint64_t)time >> 32));
}
static int64_t telem_i_time_load(const telem_atomic32 *from) {
    uint64_t lo = TELEM_LOAD32_RELAXED(&from[0]), hi = TELEM_LOAD32_RELAXED(&from[1]);
    return (int64_t)(hi << 32 | lo);
}

/* The count is exact; stream and stamps are diagnostics that two producers may mix. */
static void telem_i_ring_note(telem_i_ring_refused *f, uint32_t stream, int64_t time) {
    if (!TELEM_LOAD32_RELAXED(&f->any)) {
        TELEM_STORE32_RELAXED(&f->stream, stream);
        telem_i_time_store(f->first, time);
        TELEM_STORE32_RELAXED(&f->any, 1u);
    } else if (TELEM_LOAD32_RELAXED(&f->stream) != stream) {
        TELEM_STORE32_RELAXED(&f->stream, TELEM_RING_MANY);
    }
    telem_i_time_store(f->last, time);
}
static telem_result telem_i_ring_refuse(telem_i_ring_refused *f, int several, uint32_t stream, int64_t time) {
    telem_i_ring_note(f, stream, time);
    telem_i_count_add(&f->count, several);
    return TELEM_FULL;
}

/* ---- bytes in and out ---- */

/* n bytes to unit `pos` of a data area whose size is mask + 1 units. Relaxed words: what a reader
   catches half written, it discards. */
#ifdef TELEM_RING_MEMCPY
static void telem_i_ring_put(telem_i_ring_cell *data, telem_i_pos mask, telem_i_pos pos, const void *src, uint32_t n) {
    size_t at = (size_t)(pos & mask) * 8u, room = ((size_t)mask + 1u) * 8u - at;
    size_t head = n < room ? n : room;
    if (head) memcpy((char *)data + at, src, head);
    if (n > head) memcpy(data, (const char *)src + head, n - head);
}
static void telem_i_ring_get(const telem_i_ring_cell *data, telem_i_pos mask, telem_i_pos pos, void *dst, uint32_t n) {
    size_t at = (size_t)(pos & mask) * 8u, room = ((size_t)mask + 1u) * 8u - at;
    size_t head = n < room ? n : room;
    if (head) memcpy(dst, (const char *)data + at, head);
    if (n > head) memcpy((char *)dst + head, data, n - head);
}
#else
static void telem_i_ring_put(telem_i_ring_cell *data, telem_i_pos mask, telem_i_pos pos, const void *src, uint32_t n) {
    const char *p = (const char *)src;
    size_t cells = ((size_t)mask + 1u) * TELEM_I_CELLS, at = (size_t)(pos & mask) * TELEM_I_CELLS;
    telem_i_ring_cell c;
    for (; n >= sizeof c; n -= (uint32_t)sizeof c, p += sizeof c) {
        memcpy(&c, p, sizeof c);
        TELEM_I_CELL_STORE(data + at, c);
        at = (at + 1u) & (cells - 1u);
    }
    if (n == 0) return;
    c = 0;
    memcpy(&c, p, n);
    TELEM_I_CELL_STORE(data + at, c);
}
static void telem_i_ring_get(const telem_i_ring_cell *data, telem_i_pos mask, telem_i_pos pos, void *dst, uint32_t n) {
    char *p = (char *)dst;
    size_t cells = ((size_t)mask + 1u) * TELEM_I_CELLS, at = (size_t)(pos & mask) * TELEM_I_CELLS;
    telem_i_ring_cell c;
    for (; n >= sizeof c; n -= (uint32_t)sizeof c, p += sizeof c) {
        c = TELEM_I_CELL_LOAD(data + at);
        memcpy(p, &c, sizeof c);
        at = (at + 1u) & (cells - 1u);
    }
    if (n == 0) return;
    c = TELEM_I_CELL_LOAD(data + at);
    memcpy(p, &c, n);
}
#endif

/* Some bytes inside one cell of a span that is the caller's own: nobody else writes it. */
static void telem_i_ring_patch(telem_i_ring_cell *data, telem_i_pos mask, telem_i_pos pos, uint32_t offset,
                               const void *src, uint32_t n) {
    const char *p = (const char *)src;
    size_t cells = ((size_t)mask + 1u) * TELEM_I_CELLS;
    while (n > 0) {
        telem_i_ring_cell c, *cell;
        uint32_t in = offset % (uint32_t)sizeof c, take = (uint32_t)sizeof c - in;
        if (take > n) take = n;
        cell = data + (((size_t)(pos & mask) * TELEM_I_CELLS + offset / sizeof c) & (cells - 1u));
        c = TELEM_I_CELL_LOAD(cell);
        memcpy((char *)&c + in, p, take);
        TELEM_I_CELL_STORE(cell, c);
        p += take, offset += take, n -= take;
    }
}

static void telem_i_ring_span_set(telem_ring_span *span, telem_i_ring_cell *data, telem_i_pos mask,
                                  telem_i_pos pos, uint32_t len) {
    size_t at = (size_t)(pos & mask) * 8u, room = ((size_t)mask + 1u) * 8u - at;
    uint32_t head = len < room ? len : (uint32_t)room;
    span->part[0] = (char *)data + at;
    span->size[0] = head;
    span->part[1] = len > head ? data : NULL;
    span->size[1] = len - head;
    span->pos = pos;
}

/* >>init */

static uint32_t telem_i_ring_units(uint32_t len) { return len / 8u + (len % 8u != 0); }

/* All sizes checked and made explicit; offsets; 0 when the desc is out of range. */
static size_t telem_i_ring_plan(telem_ring *r, const telem_ring_desc *d) {
    uint32_t block, i;
    size_t at = telem_i_ring_align(sizeof *r);
    uint64_t total;
    memset(r, 0, sizeof *r);
    if (d->lanes > 65535u || d->readers > 255u || d->policy > TELEM_RING_OVERWRITE) return 0;
    if (d->lanes == 0 && d->shared_bytes == 0) return 0;
    if (d->lanes && (!telem_i_ring_is_power(d->lane_bytes) || d->lane_bytes < TELEM_RING_LANE_MIN)) return 0;
    if (d->shared_bytes && (!telem_i_ring_is_power(d->shared_bytes) || d->shared_bytes < TELEM_RING_LANE_MIN)) return 0;
    if (d->lane_bytes > 0x40000000u || d->shared_bytes > 0x40000000u) return 0;
    r->lanes = d->lanes;
    r->policy = d->policy;
    r->contiguous = d->contiguous ? 1u : 0u;
    r->readers = d->readers ? d->readers : 4u;
    block = d->lane_bytes / 16u;
    block = block < 64u ? 64u : block > 4096u ? 4096u : block;
    r->block_units = block / 8u;
    r->block_log2 = telem_i_ring_log2(r->block_units);
    r->lane_units = d->lanes ? d->lane_bytes / 8u : 0;
    r->lane_stride = d->lanes ? (uint32_t)(sizeof(telem_i_ring_lane) + telem_i_ring_align(d->lane_bytes / block * sizeof(telem_i_ring_anchor)) + d->lane_bytes) : 0;
    r->shared_units = d->shared_bytes / 8u;
    r->shared_records = d->shared_records ? d->shared_records : d->shared_bytes / 16u;
    if (r->shared_units && (!telem_i_ring_is_power(r->shared_records) || r->shared_records < 32u || r->shared_records > 0x1000000u)) return 0;
    i = d->lanes && (!d->shared_bytes || d->lane_bytes < d->shared_bytes) ? d->lane_bytes : d->shared_bytes;
    r->max_record = d->max_record ? d->max_record : i / 4u;
    if (!d->max_record && r->shared_units && r->max_record > TELEM_RING_SHARED_RECORD_MAX) r->max_record = TELEM_RING_SHARED_RECORD_MAX;
    r->length_bits = telem_i_ring_log2(r->max_record + 8u) + 1u;
    if (r->shared_units) {
        uint32_t tag_bits = 29u - r->length_bits, lap_bits = 32u - telem_i_ring_log2(r->shared_records);
        if (r->length_bits > 21u) return 0; /* a tag needs 8 bits */
        r->tag_mask = (1u << (tag_bits < lap_bits ? tag_bits : lap_bits)) - 1u;
    }
    r->slot_stride = (uint32_t)telem_i_ring_align(sizeof(telem_i_ring_slot) + (r->lanes + 1u) * sizeof(telem_i_ring_gate));
    r->slots_at = (uint32_t)at;
    total = at + (uint64_t)r->slot_stride * r->readers;
    r->lanes_at = (uint32_t)total;
    total += (uint64_t)r->lane_stride * r->lanes;
    if (total > 0xF0000000u) return 0;
    r->shared_at = (uint32_t)total;
    if (r->shared_units)
        total += sizeof(telem_i_ring_shared) + telem_i_ring_align(r->shared_records * sizeof(telem_i_ring_descriptor)) + d->shared_bytes;
    if (total > 0xF0000000u) return 0;
    return (size_t)total;
}

TELEM_API size_t telem_ring_bytes(const telem_ring_desc *desc) {
    telem_ring plan;
    return desc ? telem_i_ring_plan(&plan, desc) : 0;
}

/* The largest power of two for *size that lets the whole fit; 0 when none does. */
static void telem_i_ring_fit(telem_ring_desc *d, uint32_t *size) {
    telem_ring plan;
    size_t need;
    for (*size = 0x40000000u; *size >= TELEM_RING_LANE_MIN; *size /= 2u) {
        need = telem_i_ring_plan(&plan, d);
        if (need != 0 && need <= d->memory_size) return;
    }
    *size = 0;
}

static void telem_i_ring_lane_start(telem_ring *r, uint32_t i) {
    telem_i_ring_lane *l = telem_i_ring_lane_at(r, i);
    telem_i_pos start = (telem_i_pos)(TELEM_I_RING_START), block = start >> r->block_log2;
    TELEM_I_POS_SET_RELAXED(&telem_i_ring_anchor_at(r, l, block)->pos, start);
    TELEM_I_POS_SET_RELAXED(&telem_i_ring_anchor_at(r, l, block - 1u)->pos, start);
    TELEM_I_POS_SET_RELAXED(&l->floor, start);
    TELEM_I_POS_SET_RELEASE(&l->committed, start);
}

static uint32_t telem_i_shared_tag(const telem_ring *r, uint32_t n);
#define TELEM_I_GONE 5u

static void telem_i_ring_shared_start(telem_ring *r) {
    telem_i_ring_shared *s = telem_i_ring_shared_of(r);
    uint32_t start = (uint32_t)((telem_i_pos)(TELEM_I_RING_START) & UINT32_MAX), i;
    if (!s) return;
    for (i = 0; i < r->shared_records; i++) {
        telem_i_ring_descriptor *d = telem_i_shared_desc(r, s, i);
        TELEM_STORE32_RELAXED(&d->state, telem_i_shared_tag(r, start - 1u) | TELEM_I_GONE);
        TELEM_STORE32_RELAXED(&d->start, start);
    }
    TELEM_STORE32_RELAXED(&s->hint, start);
    TELEM_STORE32_RELAXED(&s->cleared, start);
    TELEM_STORE32_RELEASE(&s->tail, start);
}

TELEM_API telem_result telem_ring_init(telem_ring **ring, const telem_ring_desc *desc) {
    telem_ring_desc d;
    telem_ring plan, *r;
    uint32_t i, smallest;
    size_t need;
    if (!ring || !desc || !desc->memory || ((uintptr_t)desc->memory & 7u) != 0) return TELEM_ERR_ARG;
    d = *desc;
    if (d.lanes && d.lane_bytes == 0) {
        telem_i_ring_fit(&d, &d.lane_bytes);
        if (!d.lane_bytes) return TELEM_ERR_MEMORY;
    }
    if (!d.lanes && d.shared_bytes == 0) {
        telem_i_ring_fit(&d, &d.shared_bytes);
        if (!d.shared_bytes) return TELEM_ERR_MEMORY;
    }
    smallest = d.lanes && (!d.shared_bytes || d.lane_bytes < d.shared_bytes) ? d.lane_bytes : d.shared_bytes;
    if (d.max_record > smallest / 4u || (d.shared_bytes && d.max_record > TELEM_RING_SHARED_RECORD_MAX)) return TELEM_ERR_LIMIT;
    need = telem_i_ring_plan(&plan, &d);
    if (need == 0) return TELEM_ERR_ARG;
    if (need > d.memory_size) return TELEM_ERR_MEMORY;
    if (d.clock && d.clock->read) {
        plan.clock = *d.clock;
        plan.has_clock = 1u;
        if (plan.clock.bits == 0) plan.clock.bits = 64;
        if (plan.clock.bits > 64) return TELEM_ERR_ARG;
    }
    plan.stall = d.stall ? d.stall : 1000u;
    if (!d.stall && plan.has_clock) plan.stall = (uint64_t)telem_ns_to_ticks(&plan.clock, 100000000) + 1u;
    if (plan.has_clock && plan.clock.bits < 64 && plan.stall >> (plan.clock.bits - 1u))
        plan.stall = (uint64_t)1 << (plan.clock.bits - 1u); /* a longer wait would be lost in the wraps */
    memset(d.memory, 0, need);
    r = (telem_ring *)d.memory;
    *r = plan;
    for (i = 0; i < r->lanes; i++) telem_i_ring_lane_start(r, i);
    telem_i_ring_shared_start(r);
    r->layout = TELEM_I_RING_LAYOUT;
    r->magic = TELEM_I_RING_MAGIC;
    *ring = r;
    return TELEM_OK;
}

TELEM_API uint32_t telem_ring_max_record(const telem_ring *ring) { return ring->max_record; }
TELEM_API uint32_t telem_ring_lane_bytes(const telem_ring *ring, uint32_t lane) {
    return lane < ring->lanes ? ring->lane_units * 8u : lane == ring->lanes ? ring->shared_units * 8u : 0;
}

/* >>gates */

/* Did writers find this reader at this very gate for longer than it may stay? since is set by
   CAS from what was seen: a writer that slept cannot put an old moment beside a new gate. */
static int telem_i_gate_overdue(telem_i_ring_slot *slot, telem_i_ring_gate *g, telem_i_pos pos, int64_t time) {
    uint32_t limit = TELEM_LOAD32_RELAXED(&slot->limit), shift = TELEM_LOAD32_RELAXED(&slot->shift);
    uint32_t now = (uint32_t)(((uint64_t)time >> shift) & UINT32_MAX), low = (uint32_t)(pos & UINT32_MAX);
    uint32_t since = TELEM_LOAD32_ACQUIRE(&g->since);
    if (limit == 0) return 0;
    if (TELEM_LOAD32_ACQUIRE(&g->since_gate) == ~low) return (int32_t)(now - since) > 0 && now - since >= limit;
    if (since == now || TELEM_CAS32(&g->since, &since, now)) TELEM_STORE32_RELEASE(&g->since_gate, ~low);
    return 0;
}

static void telem_i_gate_expel(telem_ring *r, telem_i_ring_slot *slot, uint32_t state) {
    uint32_t expect = state;
    if (TELEM_CAS32(&slot->state, &expect, (state & ~3u) | TELEM_I_SLOT_EXPELLED)) telem_i_count_add(&r->expelled, 1);
}

/* The gate that lies furthest behind `end`: how far behind (0 when there is none, or none lags).
   Readers that block beyond `allowed` and are overdue are expelled on the way. */
static telem_i_pos telem_i_gate_lag(telem_ring *r, uint32_t lane, telem_i_pos end, telem_i_pos allowed, int64_t time) {
    telem_i_pos lag = 0;
    uint32_t i;
    for (i = 0; i < r->readers; i++) {
        telem_i_ring_slot *slot = telem_i_ring_slot_at(r, i);
        telem_i_ring_gate *g = telem_i_ring_gate_of(slot, lane);
        uint32_t state = TELEM_LOAD32_ACQUIRE(&slot->state); /* E5 */
        telem_i_pos pos, behind;
        if ((state & 3u) != TELEM_I_SLOT_ACTIVE) continue;
        pos = TELEM_I_POS_ACQUIRE(&g->pos); /* E4 */
        behind = lane == r->lanes ? (telem_i_pos)(telem_i_spos)(int32_t)((uint32_t)(end & UINT32_MAX) - (uint32_t)(pos & UINT32_MAX)) : end - pos;
        if ((telem_i_spos)behind <= 0) continue;
        if (behind > allowed && telem_i_gate_overdue(slot, g, pos, time)) {
            telem_i_gate_expel(r, slot, state);
            continue;
        }
        if (behind > lag) lag = behind;
    }
    return lag;
}

/* >>lane */

static telem_i_pos telem_i_pos_up(telem_i_pos x, telem_i_pos step) { return (x + step - 1u) & ~(step - 1u); }

/* Where readers can find a record boundary again: the anchor of each block in [pos, end). */
static void telem_i_lane_anchor(telem_ring_writer *w, telem_i_pos end) {
    telem_i_pos step = w->ring->block_units, at;
    for (at = telem_i_pos_up(w->pos, step); (telem_i_spos)(end - at) > 0; at += step) {
        telem_i_ring_anchor *a = telem_i_ring_anchor_at(w->ring, w->lane, at >> w->ring->block_log2);
        int starts = at == w->pos;
        TELEM_I_POS_SET_RELAXED(&a->pos, starts ? at : end); /* ordered by E1: used only below committed */
        TELEM_I_POS_SET_RELAXED(&a->seq, starts ? w->seq : w->seq + 1u);
    }
}

/* Leave to write up to `end`, and as far beyond as is cheap. */
static telem_result telem_i_lane_claim(telem_ring_writer *w, telem_i_pos end, int64_t time) {
    telem_ring *r = w->ring;
    telem_i_pos size = w->mask + 1u, limit = telem_i_pos_up(end, r->block_units), lag = 0;
    if (r->policy == TELEM_RING_REFUSE) {
        lag = telem_i_gate_lag(r, (uint32_t)w->index, end, size, time);
        if (lag > size) return TELEM_FULL;
        if (lag && limit - end > size - lag) limit = end + (size - lag);
    }
    if ((telem_i_spos)(limit - size - w->floor) > 0) {
        w->floor = limit - size;
        TELEM_I_POS_SET_RELEASE(&w->lane->floor, w->floor); /* E2, E3 */
        if (r->policy == TELEM_RING_REFUSE) {
            TELEM_FENCE_SEQ_CST(); /* E6 */
            lag = telem_i_gate_lag(r, (uint32_t)w->index, end, size, time);
            if (lag > size) return TELEM_FULL;
            if (lag && limit - end > size - lag) limit = end + (size - lag);
        }
    }
    TELEM_FENCE_RELEASE(); /* E2, E5: floor raised and reader expelled before any byte changes */
    w->limit = limit;
    return TELEM_OK;
}

/* The seldom half of a reservation: a block is crossed, the ring's end met, or space sought. */
static telem_result telem_i_lane_extend(telem_ring_writer *w, uint32_t units, uint32_t stream, int64_t time) {
    telem_i_pos room = w->mask + 1u - (w->pos & w->mask), end;
    uint32_t pad = w->ring->contiguous && units > room ? (uint32_t)room : 0;
    telem_result res;
    end = w->pos + pad + units;
    res = telem_i_lane_claim(w, end, time);
    if (res != TELEM_OK) return telem_i_ring_refuse(&w->lane->refused, 0, stream, time);
    telem_i_lane_anchor(w, end);
    if (pad) {
        uint32_t skip[2];
        skip[0] = TELEM_I_RING_PAD | (pad * 8u);
        skip[1] = 0;
        telem_i_ring_put(w->data, w->mask, w->pos, skip, 8u);
    }
    w->pad = pad;
    return TELEM_OK;
}

typedef struct telem_i_ring_head {
    uint32_t len, stream;
    int64_t time;
} telem_i_ring_head;

/* Room for a record at w->pos + w->pad, its header in place. */
static telem_result telem_i_lane_begin(telem_ring_writer *w, uint32_t stream, int64_t time, uint32_t len) {
    telem_i_ring_head head;
    uint32_t units = 2u + telem_i_ring_units(len);
    w->pad = 0;
    if (w->limit - w->pos < units) {
        telem_result res = telem_i_lane_extend(w, units, stream, time);
        if (res != TELEM_OK) return res;
    }
    head.len = len;
    head.stream = stream;
    head.time = time;
    telem_i_ring_put(w->data, w->mask, w->pos + w->pad, &head, (uint32_t)sizeof head);
    w->units = units;
    return TELEM_OK;
}

static void telem_i_lane_commit(telem_ring_writer *w) {
    w->pos += w->pad + w->units;
    w->seq++;
    TELEM_I_POS_SET_RELAXED(&w->lane->count, w->seq);
#if !TELEM_HAS_ATOMIC64
    if (w->seq == 0) TELEM_STORE32_RELAXED(&w->lane->count_hi, TELEM_LOAD32_RELAXED(&w->lane->count_hi) + 1u);
#endif
    TELEM_I_POS_SET_RELEASE(&w->lane->committed, w->pos); /* E1 */
}

/* >>shared */

#define TELEM_I_RESERVED 0u  /* its owner fills it */
#define TELEM_I_COMMITTED 1u /* a record */
#define TELEM_I_VOID 2u      /* no record; takes its bytes of the ring */
#define TELEM_I_REVOKED 3u   /* no record any more; its owner may still write into the span */
#define TELEM_I_ZOMBIE 4u    /* as REVOKED, but under a later number, which takes no bytes */
/*      TELEM_I_GONE 5u         no record, takes no bytes, nobody writes */
#define TELEM_I_STATE 7u

static uint32_t telem_i_shared_tag(const telem_ring *r, uint32_t n) {
    uint32_t lap = n >> telem_i_ring_log2(r->shared_records);
    return (lap & r->tag_mask) << (3u + r->length_bits);
}
static uint32_t telem_i_shared_length(const telem_ring *r, uint32_t state) {
    return (state >> 3) & ((1u << r->length_bits) - 1u);
}
static int telem_i_shared_is(const telem_ring *r, uint32_t state, uint32_t n) {
    return (state & ~((1u << (3u + r->length_bits)) - 1u) & (r->tag_mask << (3u + r->length_bits))) == telem_i_shared_tag(r, n);
}
static uint32_t telem_i_shared_extent(const telem_ring *r, uint32_t state) {
    return (state & TELEM_I_STATE) >= TELEM_I_ZOMBIE ? 0 : telem_i_ring_units(telem_i_shared_length(r, state));
}

/* -- parked producers: the spans that nobody else may write into -- */

static int telem_i_parked_alive(uint32_t state) {
    return (state & TELEM_I_STATE) == TELEM_I_REVOKED || (state & TELEM_I_STATE) == TELEM_I_ZOMBIE;
}

static void telem_i_parked_clear(telem_i_ring_shared *s, telem_i_ring_parked *p, uint32_t key) {
    uint32_t expect = key;
    if (TELEM_CAS32(&p->number, &expect, 0)) (void)TELEM_FETCH_ADD32(&s->parked, UINT32_MAX);
}

/* The entry of number k: the one that has it, or a free one that takes it. NULL: all are in use. */
static telem_i_ring_parked *telem_i_parked_entry(const telem_ring *r, telem_i_ring_shared *s, uint32_t k) {
    uint32_t key = k << 1 | 1u, i, round;
    for (round = 0; round < 2u; round++) {
        for (i = 0; i < TELEM_RING_PARKED_MAX; i++)
            if (TELEM_LOAD32_ACQUIRE(&s->parking[i].number) == key) return &s->parking[i];
        for (i = 0; i < TELEM_RING_PARKED_MAX; i++) {
            uint32_t was = TELEM_LOAD32_ACQUIRE(&s->parking[i].number);
            if (was && !telem_i_parked_alive(TELEM_LOAD32_ACQUIRE(&telem_i_shared_desc(r, s, was >> 1)->state)))
                telem_i_parked_clear(s, &s->parking[i], was);
            (void)TELEM_FETCH_ADD32(&s->parked, 1u); /* before the entry: zero means that there is none */
            was = 0;
            if (TELEM_CAS32(&s->parking[i].number, &was, key)) return &s->parking[i];
            (void)TELEM_FETCH_ADD32(&s->parked, UINT32_MAX);
        }
    }
    return NULL;
}

/* Number k == tail is REVOKED: keep its span in mind before the tail passes it. 0: no room. */
static int telem_i_shared_park(const telem_ring *r, telem_i_ring_shared *s, uint32_t k) {
    telem_i_ring_descriptor *d = telem_i_shared_desc(r, s, k);
    telem_i_ring_parked *p = telem_i_parked_entry(r, s, k);
    uint32_t start, was;
    if (!p) return 0;
    was = TELEM_LOAD32_ACQUIRE(&p->start);
    start = TELEM_LOAD32_ACQUIRE(&d->start);
    if (TELEM_LOAD32_ACQUIRE(&s->tail) == k && was != start) (void)TELEM_CAS32(&p->start, &was, start);
    TELEM_FENCE_SEQ_CST(); /* E10: either the owner, on its way out, sees this entry, or we see him gone */
    if (!telem_i_parked_alive(TELEM_LOAD32_ACQUIRE(&d->state))) telem_i_parked_clear(s, p, k << 1 | 1u);
    return 1;
}

static void telem_i_shared_unpark(telem_i_ring_shared *s, uint32_t k) {
    uint32_t i;
    TELEM_FENCE_SEQ_CST(); /* E10 */
    for (i = 0; i < TELEM_RING_PARKED_MAX; i++)
        if (TELEM_LOAD32_RELAXED(&s->parking[i].number) == (k << 1 | 1u)) telem_i_parked_clear(s, &s->parking[i], k << 1 | 1u);
}

/* Units from p to the end of a parked span that [p, p + units) would touch; 0: none does. */
static uint32_t telem_i_shared_obstacle(const telem_ring *r, telem_i_ring_shared *s, uint32_t p, uint32_t units) {
    uint32_t mask = r->shared_units - 1u, i;
    if (TELEM_LOAD32_ACQUIRE(&s->parked) == 0) return 0;
    for (i = 0; i < TELEM_RING_PARKED_MAX; i++) {
        uint32_t key = TELEM_LOAD32_ACQUIRE(&s->parking[i].number), state, start, span;
        if (!key) continue;
        state = TELEM_LOAD32_ACQUIRE(&telem_i_shared_desc(r, s, key >> 1)->state); /* E9 */
        if (!telem_i_parked_alive(state)) continue;
        start = TELEM_LOAD32_ACQUIRE(&s->parking[i].start);
        span = telem_i_ring_units(telem_i_shared_length(r, state));
        if (((start - p) & mask) < units || ((p - start) & mask) < span) return (start + span - p) & mask;
    }
    return 0;
}

/* -- the tail: the oldest number that is still held -- */

/* Ends number t, which is at the tail, and moves the tail beyond. OK also when another one did;
   FULL: a gating reader needs it, or too many producers are parked. */
static telem_result telem_i_shared_retire(telem_ring *r, telem_i_ring_shared *s, uint32_t t, int64_t time) {
    telem_i_ring_descriptor *d = telem_i_shared_desc(r, s, t), *next = telem_i_shared_desc(r, s, t + 1u);
    uint32_t state, voids, was, expect = t;
    if (r->policy == TELEM_RING_REFUSE && telem_i_gate_lag(r, r->lanes, (telem_i_pos)t + 1u, 0, time)) return TELEM_FULL;
    state = TELEM_LOAD32_ACQUIRE(&d->state);
    if (telem_i_shared_is(r, state, t) && (state & TELEM_I_STATE) == TELEM_I_RESERVED) {
        if (TELEM_CAS32(&d->state, &state, state | TELEM_I_REVOKED)) {
            state |= TELEM_I_REVOKED;
            telem_i_count_add(&s->refused.count, 1);
        }
    }
    if (!telem_i_shared_is(r, state, t)) return TELEM_OK;
    if ((state & TELEM_I_STATE) == TELEM_I_REVOKED && !telem_i_shared_park(r, s, t))
        return TELEM_LOAD32_ACQUIRE(&s->tail) == t ? TELEM_FULL : TELEM_OK;
    voids = TELEM_LOAD32_ACQUIRE(&d->voids) + ((state & TELEM_I_STATE) != TELEM_I_COMMITTED);
    was = TELEM_LOAD32_ACQUIRE(&next->voids);
    if (TELEM_LOAD32_ACQUIRE(&s->tail) != t) return TELEM_OK; /* what was read may belong to a later lap */
    if (was != voids) (void)TELEM_CAS32(&next->voids, &was, voids); /* fails when done, or when late */
    if (TELEM_CAS32(&s->tail, &expect, t + 1u) && t == UINT32_MAX) (void)TELEM_FETCH_ADD32(&s->tail_hi, 1u); /* E8 */
    return TELEM_OK;
}

/* REFUSE: the tail has moved, and readers that join from now on see that; those that joined before
   are seen here (E6). What they do not hold may be overwritten. */
static telem_result telem_i_shared_clear(telem_ring *r, telem_i_ring_shared *s, uint32_t cleared, int64_t time) {
    uint32_t tail = TELEM_LOAD32_ACQUIRE(&s->tail);
    TELEM_FENCE_SEQ_CST(); /* E6 */
    if (telem_i_gate_lag(r, r->lanes, (telem_i_pos)tail, 0, time)) return TELEM_FULL;
    (void)TELEM_CAS32(&s->cleared, &cleared, tail); /* E7 */
    return TELEM_OK;
}

/* More room: numbers before *held* are free to be overwritten; make it one more. */
static telem_result telem_i_shared_advance(telem_ring *r, telem_i_ring_shared *s, uint32_t held, int64_t time) {
    telem_result res = TELEM_OK;
    if (r->policy != TELEM_RING_REFUSE) return telem_i_shared_retire(r, s, held, time);
    if (TELEM_LOAD32_ACQUIRE(&s->tail) == held) res = telem_i_shared_retire(r, s, held, time);
    return res == TELEM_OK ? telem_i_shared_clear(r, s, held, time) : res;
}

/* -- the head: the next free number -- */

/* The first number whose descriptor still shows the lap before. */
static uint32_t telem_i_shared_find(const telem_ring *r, telem_i_ring_shared *s) {
    uint32_t n = TELEM_LOAD32_RELAXED(&s->hint); /* only a guess: the descriptors decide */
    for (;;) {
        uint32_t state = TELEM_LOAD32_ACQUIRE(&telem_i_shared_desc(r, s, n)->state);
        if (telem_i_shared_is(r, state, n - r->shared_records)) return n;
        if (telem_i_shared_is(r, state, n)) {
            n++;
            continue;
        }
        n = TELEM_LOAD32_ACQUIRE(&s->tail); /* the guess was laps old */
    }
}

/* What is to be put at number n, whose span starts at p: the record, or first something to step
   over: a parked span, the ring's end. Returns the new state of the descriptor. */
static uint32_t telem_i_shared_next(const telem_ring *r, telem_i_ring_shared *s, uint32_t n, uint32_t p,
                                    uint32_t old, uint32_t len) {
    uint32_t units = telem_i_ring_units(len), most = telem_i_ring_units(r->max_record), room, skip;
    if (telem_i_parked_alive(old)) return telem_i_shared_tag(r, n) | telem_i_shared_length(r, old) << 3 | TELEM_I_ZOMBIE;
    skip = telem_i_shared_obstacle(r, s, p, units);
    room = r->shared_units - (p & (r->shared_units - 1u));
    if (!skip && r->contiguous && units > room) skip = room;
    if (!skip) return telem_i_shared_tag(r, n) | len << 3 | TELEM_I_RESERVED;
    if (skip > most) skip = most;
    return telem_i_shared_tag(r, n) | (skip * 8u) << 3 | TELEM_I_VOID;
}

/* One attempt to take number n. 1: the record has it (number and start are set); 0: again;
   TELEM_FULL. */
static int telem_i_shared_try(telem_ring *r, telem_i_ring_shared *s, uint32_t len, int64_t time,
                              telem_ring_span *span) {
    uint32_t n = telem_i_shared_find(r, s), before, start, end, old, fresh, tail, oldest, units;
    telem_i_ring_descriptor *d = telem_i_shared_desc(r, s, n), *prev = telem_i_shared_desc(r, s, n - 1u);
    start = TELEM_LOAD32_ACQUIRE(&d->start);
    before = TELEM_LOAD32_ACQUIRE(&prev->state);
    end = TELEM_LOAD32_ACQUIRE(&prev->start) + telem_i_shared_extent(r, before);
    tail = TELEM_LOAD32_ACQUIRE(r->policy == TELEM_RING_REFUSE ? &s->cleared : &s->tail); /* E7, E8 */
    oldest = TELEM_LOAD32_ACQUIRE(&telem_i_shared_desc(r, s, tail)->start);
    old = TELEM_LOAD32_ACQUIRE(&d->state); /* last: while n is free, all that was read above holds */
    if (!telem_i_shared_is(r, old, n - r->shared_records) || !telem_i_shared_is(r, before, n - 1u)) return 0;
    if ((int32_t)(tail - (n - r->shared_records)) <= 0) /* the descriptor is still held */
        return telem_i_shared_advance(r, s, tail, time) == TELEM_OK ? 0 : TELEM_FULL;
    fresh = telem_i_shared_next(r, s, n, end, old, len);
    units = telem_i_shared_extent(r, fresh);
    if ((int32_t)(n - tail) > 0 && end + units - oldest > r->shared_units) /* the bytes are still held */
        return telem_i_shared_advance(r, s, tail, time) == TELEM_OK ? 0 : TELEM_FULL;
    if (start != end) (void)TELEM_CAS32(&d->start, &start, end); /* the same for all who try n */
    if (!TELEM_CAS32(&d->state, &old, fresh)) return 0;
    TELEM_STORE32_RELAXED(&s->hint, n + 1u);
    if ((fresh & TELEM_I_STATE) != TELEM_I_RESERVED) return 0;
    span->number = n;
    span->pos = end;
    return 1;
}

static telem_result telem_i_shared_begin(telem_ring_writer *w, uint32_t stream, int64_t time, uint32_t len,
                                         telem_ring_span *span) {
    telem_i_ring_shared *s = w->shared;
    telem_i_ring_descriptor *d;
    int res;
    do {
        res = telem_i_shared_try(w->ring, s, len, time, span);
    } while (res == 0);
    if (res < 0) return telem_i_ring_refuse(&s->refused, 1, stream, time);
    TELEM_FENCE_RELEASE(); /* E11: the tail has passed what the stores below overwrite */
    d = telem_i_shared_desc(w->ring, s, span->number);
    TELEM_STORE32_RELAXED(&d->stream, stream); /* published by E12 */
    telem_i_time_store(d->time, time);
    return TELEM_OK;
}

/* The owner lets go of its record: `how` when it is still RESERVED, else it has been revoked. */
static int telem_i_shared_end(telem_ring_writer *w, telem_ring_span *span, uint32_t how) {
    telem_i_ring_descriptor *d = telem_i_shared_desc(w->ring, w->shared, span->number);
    uint32_t state = telem_i_shared_tag(w->ring, span->number) | (span->size[0] + span->size[1]) << 3;
    if (TELEM_CAS32(&d->state, &state, state | how)) return 1; /* E12 */
    telem_i_ring_note(&w->shared->refused, TELEM_LOAD32_RELAXED(&d->stream), telem_i_time_load(d->time));
    while (!TELEM_CAS32(&d->state, &state, (state & ~TELEM_I_STATE) | ((state & TELEM_I_STATE) == TELEM_I_ZOMBIE ? TELEM_I_GONE : TELEM_I_VOID))) {
        /* the ring went round once more */
    } /* E9 */
    telem_i_shared_unpark(w->shared, span->number);
    return 0;
}

/* >>write */

/* A narrow clock, many producers: the number of half wraps so far is one word. It is loaded
   before the counter, so that a difference in the top bit means: the counter is ahead. */
static int64_t telem_i_shared_clock(telem_i_ring_shared *s, const telem_clock *c) {
    uint32_t halves = TELEM_LOAD32_ACQUIRE(&s->wraps), expect = halves, shift = c->bits - 1u;
    uint64_t mask = ((uint64_t)1 << c->bits) - 1u, raw = c->read(c->user) & mask;
    if ((halves & 1u) != (uint32_t)(raw >> shift)) {
        halves++;
        (void)TELEM_CAS32(&s->wraps, &expect, halves);
    }
    return (int64_t)((uint64_t)(halves >> 1) << c->bits | raw);
}

static telem_result telem_i_ring_stamp(telem_ring_writer *w, int64_t *time) {
    if (*time != TELEM_RING_NOW) return TELEM_OK;
    if (!w->clock) return TELEM_ERR_ARG;
    if (w->clock->bits == 64) *time = (int64_t)w->clock->read(w->clock->user);
    else if (!w->lane) *time = telem_i_shared_clock(w->shared, w->clock);
    else *time = telem_clock_extend(&w->clock_state, w->clock->read(w->clock->user));
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_sync(telem_ring_writer *w, int64_t ticks) {
    if (!w || !w->ring) return TELEM_ERR_ARG;
    if (!w->clock) return TELEM_ERR_STATE;
    if (w->clock->bits == 64) return TELEM_OK;
    if (w->lane) {
        (void)telem_clock_sync(&w->clock_state, w->clock->read(w->clock->user), ticks);
    } else {
        telem_clock_state state;
        telem_clock_start(&state, w->clock, 0);
        ticks = telem_clock_sync(&state, w->clock->read(w->clock->user), ticks);
        TELEM_STORE32_RELEASE(&w->shared->wraps, (uint32_t)(((uint64_t)ticks >> (w->clock->bits - 1u)) & UINT32_MAX));
    }
    return TELEM_OK;
}

static telem_result telem_i_writer_take(telem_ring_writer *w, uint32_t i) {
    telem_ring *r = w->ring;
    telem_i_ring_lane *l = telem_i_ring_lane_at(r, i);
    uint32_t free_lane = 0;
    if (!TELEM_CAS32(&l->owner, &free_lane, 1u)) return TELEM_ERR_EXISTS; /* E13 */
    w->lane = l;
    w->index = (int32_t)i;
    w->data = telem_i_ring_lane_data(r, l);
    w->mask = r->lane_units - 1u;
    w->pos = TELEM_I_POS_RELAXED(&l->committed); /* ours alone, as are the next two */
    w->floor = TELEM_I_POS_RELAXED(&l->floor);
    w->seq = TELEM_I_POS_RELAXED(&l->count);
    w->limit = w->pos; /* the first record looks for space and sets its anchor */
    if (w->clock && w->clock->bits < 64) {
        telem_clock_start(&w->clock_state, w->clock, l->clock_started ? 0 : w->clock->read(w->clock->user));
        if (l->clock_started) w->clock_state.last = l->clock_last;
    }
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_writer_init(telem_ring_writer *w, telem_ring *ring, int lane) {
    uint32_t i;
    if (!w || !ring || ring->magic != TELEM_I_RING_MAGIC) return TELEM_ERR_ARG;
    memset(w, 0, sizeof *w);
    w->ring = ring;
    w->clock = ring->has_clock ? &ring->clock : NULL;
    w->max_record = ring->max_record;
    if (lane == TELEM_RING_SHARED && ring->shared_units) {
        w->shared = telem_i_ring_shared_of(ring);
        w->data = telem_i_shared_data(ring, w->shared);
        w->mask = ring->shared_units - 1u;
        w->index = (int32_t)ring->lanes;
        return TELEM_OK;
    }
    if (lane >= 0 && (uint32_t)lane < ring->lanes) {
        telem_result res = telem_i_writer_take(w, (uint32_t)lane);
        if (res != TELEM_OK) w->ring = NULL;
        return res;
    }
    for (i = 0; lane == TELEM_RING_CLAIM && i < ring->lanes; i++)
        if (telem_i_writer_take(w, i) == TELEM_OK) return TELEM_OK;
    w->ring = NULL;
    return lane == TELEM_RING_CLAIM ? TELEM_FULL : TELEM_ERR_ARG;
}

TELEM_API telem_result telem_ring_writer_deinit(telem_ring_writer *w) {
    if (!w || !w->ring) return TELEM_ERR_ARG;
    if (w->open) return TELEM_ERR_STATE;
    if (w->lane) {
        w->lane->clock_last = w->clock_state.last;
        w->lane->clock_started = w->clock && w->clock->bits < 64;
        TELEM_STORE32_RELEASE(&w->lane->owner, 0); /* E13 */
    }
    memset(w, 0, sizeof *w);
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_begin(telem_ring_writer *w, uint32_t stream, int64_t time, uint32_t len,
                                        telem_ring_span *span) {
    telem_result res;
    if (!w || !w->ring || !span) return TELEM_ERR_ARG;
    if (len > w->max_record) return TELEM_ERR_LIMIT;
    if (w->open) return TELEM_ERR_STATE;
    res = telem_i_ring_stamp(w, &time);
    if (res != TELEM_OK) return res;
    if (!w->lane) {
        res = telem_i_shared_begin(w, stream, time, len, span);
        if (res == TELEM_OK) telem_i_ring_span_set(span, w->data, w->mask, span->pos, len);
        return res;
    }
    res = telem_i_lane_begin(w, stream, time, len);
    if (res != TELEM_OK) return res;
    w->open = 1;
    TELEM_STORE32_RELAXED(&w->lane->open, 1u); /* for stats only */
    telem_i_ring_span_set(span, w->data, w->mask, w->pos + w->pad + 2u, len);
    span->number = 0;
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_commit(telem_ring_writer *w, telem_ring_span *span) {
    if (!w || !w->ring || !span) return TELEM_ERR_ARG;
    if (!span->part[0] || (w->lane && !w->open)) return TELEM_ERR_STATE;
    span->part[0] = NULL; /* a span ends once */
    if (!w->lane) return telem_i_shared_end(w, span, TELEM_I_COMMITTED) ? TELEM_OK : TELEM_FULL;
    w->open = 0;
    TELEM_STORE32_RELAXED(&w->lane->open, 0);
    telem_i_lane_commit(w);
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_abort(telem_ring_writer *w, telem_ring_span *span) {
    if (!w || !w->ring || !span) return TELEM_ERR_ARG;
    if (!span->part[0] || (w->lane && !w->open)) return TELEM_ERR_STATE;
    span->part[0] = NULL;
    if (!w->lane) {
        if (telem_i_shared_end(w, span, TELEM_I_VOID)) telem_i_count_add(&w->shared->aborted, 1);
        return TELEM_OK;
    }
    w->open = 0;
    w->limit = w->pos; /* the anchors that begin set are for a record that never was */
    TELEM_STORE32_RELAXED(&w->lane->open, 0);
    telem_i_count_add(&w->lane->aborted, 0);
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_span_write(telem_ring_writer *w, telem_ring_span *span, uint32_t offset,
                                             const void *data, uint32_t n) {
    uint32_t len;
    if (!w || !w->ring || !span || (!data && n)) return TELEM_ERR_ARG;
    if (!span->part[0]) return TELEM_ERR_STATE;
    len = span->size[0] + span->size[1];
    if (offset > len || n > len - offset) return TELEM_ERR_LIMIT;
    if (offset % sizeof(telem_i_ring_cell) == 0 && (offset + n == len || n % sizeof(telem_i_ring_cell) == 0) && offset % 8u == 0)
        telem_i_ring_put(w->data, w->mask, span->pos + offset / 8u, data, n);
    else telem_i_ring_patch(w->data, w->mask, span->pos, offset, data, n);
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_push(telem_ring_writer *w, uint32_t stream, int64_t time, const void *data,
                                       uint32_t len) {
    telem_result res;
    if (!w || !w->ring || (!data && len)) return TELEM_ERR_ARG;
    if (len > w->max_record) return TELEM_ERR_LIMIT;
    if (w->open) return TELEM_ERR_STATE;
    res = telem_i_ring_stamp(w, &time);
    if (res != TELEM_OK) return res;
    if (!w->lane) {
        telem_ring_span span;
        res = telem_i_shared_begin(w, stream, time, len, &span);
        if (res != TELEM_OK) return res;
        span.size[0] = len;
        span.size[1] = 0;
        telem_i_ring_put(w->data, w->mask, span.pos, data, len);
        return telem_i_shared_end(w, &span, TELEM_I_COMMITTED) ? TELEM_OK : TELEM_FULL;
    }
    res = telem_i_lane_begin(w, stream, time, len);
    if (res != TELEM_OK) return res;
    telem_i_ring_put(w->data, w->mask, w->pos + w->pad + 2u, data, len);
    telem_i_lane_commit(w);
    return TELEM_OK;
}

/* >>read */

/* Everything below runs in the reader's thread; a cursor is its own. */

static telem_i_ring_cursor *telem_i_reader_cursors(const telem_ring_reader *rd) {
    union {
        const telem_i_ring_cursor *from;
        telem_i_ring_cursor *to;
    } own;
    own.from = rd->own;
    return rd->desc.cursors ? (telem_i_ring_cursor *)rd->desc.cursors : own.to;
}
static int telem_i_reader_is_shared(const telem_ring_reader *rd, uint32_t i) { return i == rd->ring->lanes; }

static void telem_i_reader_gate(telem_ring_reader *rd, uint32_t i, telem_i_pos pos) {
    if (rd->slot) TELEM_I_POS_SET_RELEASE(&telem_i_ring_gate_of(rd->slot, i)->pos, pos); /* E4 */
}

static void telem_i_reader_lost(telem_ring_reader *rd, telem_i_ring_cursor *c, uint64_t n) {
    c->has = 0;
    if (n == 0) return;
    if (rd->loss.count == 0) rd->loss.first = INT64_MIN, rd->loss.last = INT64_MAX, rd->loss.stream = TELEM_RING_MANY;
    if (c->passed && (rd->loss.first == INT64_MIN || c->last < rd->loss.first)) rd->loss.first = c->last;
    rd->loss.count += n;
    rd->lost += n;
    c->gap = 1;
}

/* The stamp behind a gap closes its span. */
static void telem_i_reader_head(telem_ring_reader *rd, telem_i_ring_cursor *c) {
    c->has = 1;
    if (!c->gap) return;
    c->gap = 0;
    if (rd->loss.count && (rd->loss.last == INT64_MAX || c->time > rd->loss.last)) rd->loss.last = c->time;
}

/* A gate holds everything from the cursor on, whatever floor and tail say: they may have been
   raised by a writer that then found the gate. */
static int telem_i_reader_trusted(const telem_ring_reader *rd) {
    if (!rd->slot) return 0;
    TELEM_FENCE_ACQUIRE(); /* E5 */
    return TELEM_LOAD32_RELAXED(&rd->slot->state) == rd->slot_state;
}

/* -- a lane -- */

/* Is what was read from `pos` on still what was committed there? */
static int telem_i_lane_intact(const telem_i_ring_lane *l, telem_i_pos pos) {
    TELEM_FENCE_ACQUIRE(); /* E2: a byte of a later lap seen above means its floor is seen below */
    return (telem_i_spos)(TELEM_I_POS_RELAXED(&l->floor) - pos) <= 0;
}

/* A record boundary that is safe at the moment: the first in or behind block `b`. */
static int telem_i_lane_boundary(const telem_ring *r, telem_i_ring_lane *l, telem_i_pos b, telem_i_pos *pos, telem_i_pos *seq) {
    telem_i_ring_anchor *a = telem_i_ring_anchor_at(r, l, b);
    telem_i_pos end = TELEM_I_POS_ACQUIRE(&l->committed); /* E1: shows the anchors below it */
    if ((telem_i_spos)(end - b * r->block_units) < 0) return 0;
    *pos = TELEM_I_POS_RELAXED(&a->pos);
    *seq = TELEM_I_POS_RELAXED(&a->seq);
    return telem_i_lane_intact(l, b * r->block_units) && (telem_i_spos)(end - *pos) >= 0;
}

static int telem_i_lane_oldest(const telem_ring *r, telem_i_ring_lane *l, telem_i_pos *pos, telem_i_pos *seq) {
    telem_i_pos floor = TELEM_I_POS_ACQUIRE(&l->floor); /* E3 */
    return telem_i_lane_boundary(r, l, telem_i_pos_up(floor, r->block_units) >> r->block_log2, pos, seq);
}

/* 1: the unit at pos begins a record (head is set); 0: overtaken; 2: it was a pad. */
static int telem_i_lane_parse(const telem_ring_reader *rd, telem_i_ring_lane *l, telem_i_pos *pos, telem_i_ring_head *head) {
    const telem_ring *r = rd->ring;
    telem_i_ring_cell *data = telem_i_ring_lane_data(r, l);
    telem_i_pos mask = r->lane_units - 1u;
    telem_i_ring_get(data, mask, *pos, head, (uint32_t)sizeof *head);
    if (!telem_i_reader_trusted(rd) && !telem_i_lane_intact(l, *pos)) return 0;
    if (!(head->len & TELEM_I_RING_PAD)) return 1;
    if ((head->len & ~TELEM_I_RING_PAD) < 8u) return 3; /* no writer leaves such a pad */
    *pos += (head->len & ~TELEM_I_RING_PAD) / 8u;
    return 2;
}

static int telem_i_lane_newest(const telem_ring_reader *rd, telem_i_ring_lane *l, telem_i_pos *pos, telem_i_pos *seq) {
    const telem_ring *r = rd->ring;
    telem_i_pos end = TELEM_I_POS_ACQUIRE(&l->committed); /* E1 */
    if (!telem_i_lane_boundary(r, l, (end - 1u) >> r->block_log2, pos, seq) && !telem_i_lane_oldest(r, l, pos, seq)) return 0;
    while ((telem_i_spos)(end - *pos) > 0) { /* at most a block and a record of them */
        telem_i_ring_head head;
        int what = telem_i_lane_parse(rd, l, pos, &head);
        if (what == 0 || what == 3 || (what == 1 && head.len > r->max_record)) return 0;
        if (what == 2) continue;
        *pos += 2u + telem_i_ring_units(head.len);
        *seq += 1u;
    }
    return 1;
}

/* Overtaken: go on with the oldest record that is whole, and count what lies between. */
static telem_result telem_i_lane_resync(telem_ring_reader *rd, telem_i_ring_cursor *c, telem_i_ring_lane *l) {
    telem_i_pos pos = 0, seq = 0, missed;
    int tries = 8;
    while (!telem_i_lane_oldest(rd->ring, l, &pos, &seq))
        if (--tries == 0) return TELEM_AGAIN;
    if ((telem_i_spos)(pos - c->pos) < 0) return TELEM_OK; /* it was not behind after all */
    missed = seq - (telem_i_pos)c->seq;
    c->pos = c->seen = pos;
    c->seq += missed;
    telem_i_reader_lost(rd, c, missed);
    return TELEM_OK;
}

/* Finds the head record of a lane. */
static telem_result telem_i_lane_head(telem_ring_reader *rd, uint32_t i, telem_i_ring_cursor *c) {
    telem_i_ring_lane *l = telem_i_ring_lane_at(rd->ring, i);
    int tries = 8;
    while (tries > 0) {
        telem_i_ring_head head;
        int what;
        if (c->pos == c->seen) c->seen = TELEM_I_POS_ACQUIRE(&l->committed); /* E1 */
        if (c->pos == c->seen) return TELEM_EMPTY;
        what = telem_i_lane_parse(rd, l, &c->pos, &head);
        if (what == 3) return TELEM_ERR_CORRUPT;
        if (what == 2) { /* a pad lies before every record that does not fit: never two */
            if ((telem_i_spos)(c->seen - c->pos) < 0) return TELEM_ERR_CORRUPT;
            tries--; /* shared with being overtaken: AGAIN then, not damage */
            continue;
        }
        if (what == 1) {
            if (head.len > rd->ring->max_record) return TELEM_ERR_CORRUPT;
            c->len = head.len, c->stream = head.stream, c->time = head.time;
            telem_i_reader_head(rd, c);
            return TELEM_OK;
        }
        if (telem_i_lane_resync(rd, c, l) != TELEM_OK) return TELEM_AGAIN;
        tries--;
    }
    return TELEM_AGAIN;
}

/* -- the shared lane -- */

static int telem_i_shared_intact(const telem_i_ring_shared *s, uint32_t n) {
    TELEM_FENCE_ACQUIRE(); /* E11 */
    return (int32_t)(TELEM_LOAD32_RELAXED(&s->tail) - n) <= 0;
}

/* The tail and how many of the numbers before it were void. */
static int telem_i_shared_oldest(const telem_ring *r, telem_i_ring_shared *s, uint32_t *n, uint32_t *voids) {
    *n = TELEM_LOAD32_ACQUIRE(&s->tail); /* E8: shows the voids of this number */
    *voids = TELEM_LOAD32_ACQUIRE(&telem_i_shared_desc(r, s, *n)->voids);
    return telem_i_shared_intact(s, *n);
}

static telem_result telem_i_shared_resync(telem_ring_reader *rd, telem_i_ring_cursor *c, telem_i_ring_shared *s) {
    uint32_t n = 0, voids = 0, old = (uint32_t)(c->pos & UINT32_MAX), missed;
    int tries = 8;
    while (!telem_i_shared_oldest(rd->ring, s, &n, &voids))
        if (--tries == 0) return TELEM_AGAIN;
    if ((int32_t)(n - old) <= 0) return TELEM_OK;
    missed = (n - old) - (voids - c->voids);
    c->pos = n;
    c->voids = voids;
    c->stalled = 0;
    telem_i_reader_lost(rd, c, missed);
    return TELEM_OK;
}

/* Has an uncommitted record held up later ones for long enough? */
static int telem_i_shared_stalled(telem_ring_reader *rd, telem_i_ring_cursor *c, uint32_t n) {
    const telem_ring *r = rd->ring;
    uint64_t now = r->has_clock ? r->clock.read(r->clock.user) : c->stall_since + 1u;
    uint64_t mask = r->has_clock ? ~(uint64_t)0 >> (64u - r->clock.bits) : ~(uint64_t)0;
    if (!c->stalled || c->stall_number != n) {
        c->stalled = 1;
        c->stall_number = n;
        c->stall_since = r->has_clock ? now : 0;
        return 0;
    }
    if (r->has_clock) return ((now - c->stall_since) & mask) >= r->stall;
    c->stall_since = now;
    return now >= r->stall;
}

/* Number n is RESERVED. EMPTY: wait; OK: its state has become final. */
static telem_result telem_i_shared_wait(telem_ring_reader *rd, telem_i_ring_cursor *c, telem_i_ring_shared *s, uint32_t n, uint32_t state) {
    uint32_t behind = TELEM_LOAD32_ACQUIRE(&telem_i_shared_desc(rd->ring, s, n + 1u)->state);
    if (!telem_i_shared_is(rd->ring, behind, n + 1u)) return TELEM_EMPTY; /* it holds up nobody */
    if (!telem_i_shared_stalled(rd, c, n)) return TELEM_EMPTY;
    if (TELEM_CAS32(&telem_i_shared_desc(rd->ring, s, n)->state, &state, state | TELEM_I_REVOKED))
        telem_i_count_add(&s->refused.count, 1);
    return TELEM_OK;
}

static telem_result telem_i_shared_head(telem_ring_reader *rd, uint32_t i, telem_i_ring_cursor *c) {
    telem_i_ring_shared *s = telem_i_ring_shared_of(rd->ring);
    uint32_t budget = rd->ring->shared_records, n, state;
    while (budget-- > 0) {
        telem_i_ring_descriptor *d;
        n = (uint32_t)(c->pos & UINT32_MAX);
        d = telem_i_shared_desc(rd->ring, s, n);
        state = TELEM_LOAD32_ACQUIRE(&d->state); /* E12 */
        if (!telem_i_shared_is(rd->ring, state, n)) {
            if (telem_i_reader_trusted(rd) || telem_i_shared_intact(s, n)) return TELEM_EMPTY;
            if (telem_i_shared_resync(rd, c, s) != TELEM_OK) return TELEM_AGAIN;
            continue;
        }
        if ((state & TELEM_I_STATE) == TELEM_I_RESERVED) {
            telem_result res = telem_i_shared_wait(rd, c, s, n, state);
            if (res != TELEM_OK) return res;
            continue;
        }
        if ((state & TELEM_I_STATE) != TELEM_I_COMMITTED) {
            c->pos = (telem_i_pos)(n + 1u);
            c->voids++;
            telem_i_reader_gate(rd, i, c->pos);
            continue;
        }
        c->len = telem_i_shared_length(rd->ring, state);
        c->stream = TELEM_LOAD32_RELAXED(&d->stream);
        c->time = telem_i_time_load(d->time);
        c->seen = (telem_i_pos)TELEM_LOAD32_RELAXED(&d->start);
        if (telem_i_reader_trusted(rd) || telem_i_shared_intact(s, n)) {
            if (c->len > rd->ring->max_record) return TELEM_ERR_CORRUPT;
            telem_i_reader_head(rd, c);
            return TELEM_OK;
        }
        if (telem_i_shared_resync(rd, c, s) != TELEM_OK) return TELEM_AGAIN;
    }
    return TELEM_AGAIN;
}

/* -- both kinds -- */

static telem_i_ring_cell *telem_i_reader_data(const telem_ring_reader *rd, uint32_t i, telem_i_pos *mask, telem_i_pos *pos) {
    const telem_ring *r = rd->ring;
    const telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
    if (telem_i_reader_is_shared(rd, i)) {
        *mask = r->shared_units - 1u;
        *pos = c->seen;
        return telem_i_shared_data(r, telem_i_ring_shared_of(r));
    }
    *mask = r->lane_units - 1u;
    *pos = c->pos + 2u;
    return telem_i_ring_lane_data(r, telem_i_ring_lane_at(r, i));
}

static int telem_i_reader_intact(const telem_ring_reader *rd, uint32_t i) {
    const telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
    if (telem_i_reader_trusted(rd)) return 1;
    if (telem_i_reader_is_shared(rd, i)) return telem_i_shared_intact(telem_i_ring_shared_of(rd->ring), (uint32_t)(c->pos & UINT32_MAX));
    return telem_i_lane_intact(telem_i_ring_lane_at(rd->ring, i), c->pos);
}

/* The head record is done with: delivered, filtered, or given up. */
static void telem_i_reader_pass(telem_ring_reader *rd, uint32_t i) {
    telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
    if (telem_i_reader_is_shared(rd, i)) {
        c->pos = (telem_i_pos)((uint32_t)(c->pos & UINT32_MAX) + 1u);
    } else {
        c->pos += 2u + telem_i_ring_units(c->len);
        c->seq++;
    }
    c->has = 0;
    c->passed = 1;
    c->last = c->time;
    telem_i_reader_gate(rd, i, c->pos);
}

static int telem_i_reader_wants(const telem_ring_reader *rd, uint32_t stream) {
    uint32_t i;
    if (rd->desc.stream_count == 0) return 1;
    for (i = 0; i < rd->desc.stream_count; i++)
        if (rd->desc.streams[i] == stream) return 1;
    return 0;
}

/* EXPELLED once, when the writers threw this reader out. */
static telem_result telem_i_reader_check(telem_ring_reader *rd) {
    if (!rd->slot) return TELEM_OK;
    if (TELEM_LOAD32_ACQUIRE(&rd->slot->state) == rd->slot_state) return TELEM_OK; /* E5 */
    TELEM_STORE32_RELEASE(&rd->slot->state, rd->slot_state & ~3u); /* ours to free */
    rd->slot = NULL;
    return TELEM_EXPELLED;
}

/* The cursor whose head has the smallest stamp; count: none. */
static telem_result telem_i_reader_choose(telem_ring_reader *rd, uint32_t *best) {
    telem_i_ring_cursor *cursors = telem_i_reader_cursors(rd);
    telem_result none = TELEM_EMPTY;
    uint32_t i;
    *best = rd->count;
    for (i = 0; i < rd->count; i++) {
        telem_i_ring_cursor *c = &cursors[i];
        if (!c->has) {
            telem_result res = telem_i_reader_is_shared(rd, i) ? telem_i_shared_head(rd, i, c) : telem_i_lane_head(rd, i, c);
            if (res == TELEM_ERR_CORRUPT) return res;
            if (res == TELEM_AGAIN) none = res;
        }
        if (c->has && (*best == rd->count || c->time < cursors[*best].time)) *best = i;
    }
    return *best == rd->count ? none : TELEM_OK;
}

/* The bytes of head record i, in place when they may stay there, else in buf. OK; AGAIN: it was
   overtaken; ERR_MEMORY: buf is too small. */
static telem_result telem_i_reader_fetch(telem_ring_reader *rd, uint32_t i, void *buf, size_t cap, int in_place, const void **data) {
    telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
    telem_i_pos mask, pos;
    telem_i_ring_cell *cells = telem_i_reader_data(rd, i, &mask, &pos);
    telem_i_pos at = pos & mask;
    if (in_place && rd->slot && at + telem_i_ring_units(c->len) <= mask + 1u) {
        *data = cells + (size_t)at * TELEM_I_CELLS;
        return TELEM_OK;
    }
    if (c->len > cap) return TELEM_ERR_MEMORY;
    telem_i_ring_get(cells, mask, pos, buf, c->len);
    *data = buf;
    if (telem_i_reader_intact(rd, i)) return TELEM_OK;
    c->has = 0;
    return TELEM_AGAIN;
}

/* The next record that passes the filters, as the head of cursor *which. */
static telem_result telem_i_reader_next(telem_ring_reader *rd, telem_ring_record *rec, void *buf, size_t cap, int in_place, uint32_t *which) {
    uint32_t budget = TELEM_I_RING_BUDGET;
    while (budget-- > 0) {
        telem_i_ring_cursor *c;
        const void *data = NULL;
        telem_result res = telem_i_reader_choose(rd, which);
        if (res != TELEM_OK) return res;
        c = telem_i_reader_cursors(rd) + *which;
        if (telem_i_reader_wants(rd, c->stream)) {
            res = telem_i_reader_fetch(rd, *which, buf, cap, in_place, &data);
            if (res == TELEM_AGAIN) { /* counted when the head is looked for again */
                if (telem_i_reader_check(rd) != TELEM_OK) return TELEM_EXPELLED;
                continue;
            }
            rec->stream = c->stream, rec->len = c->len, rec->time = c->time;
            rec->data = data, rec->lane = *which;
            if (res != TELEM_OK) return res;
            if (!rd->desc.filter || rd->desc.filter(rd->desc.filter_user, c->stream, c->time, data, c->len)) return TELEM_OK;
        }
        rd->filtered++;
        telem_i_reader_pass(rd, *which);
    }
    return TELEM_AGAIN;
}

TELEM_API telem_result telem_ring_peek(telem_ring_reader *rd, telem_ring_record *rec) {
    telem_ring_record found;
    telem_result res;
    uint32_t which = 0;
    if (!rd || !rd->ring || !rec) return TELEM_ERR_ARG;
    if (rd->held) {
        *rec = rd->record;
        return rec->data ? TELEM_OK : TELEM_ERR_MEMORY;
    }
    res = telem_i_reader_check(rd);
    if (res != TELEM_OK) return res;
    res = telem_i_reader_next(rd, &found, rd->desc.copy, rd->desc.copy ? rd->desc.copy_size : 0, 1, &which);
    if (res == TELEM_ERR_MEMORY) found.data = NULL;
    else if (res != TELEM_OK) return res;
    else if (!found.data) found.data = telem_i_reader_cursors(rd); /* an empty record and no buffer: any address */
    rd->held = which + 1u;
    rd->record = found;
    *rec = found;
    return res;
}

TELEM_API telem_result telem_ring_release(telem_ring_reader *rd) {
    telem_i_ring_cursor *c;
    telem_result res;
    if (!rd || !rd->ring) return TELEM_ERR_ARG;
    if (!rd->held) return TELEM_ERR_STATE;
    c = telem_i_reader_cursors(rd) + (rd->held - 1u);
    res = telem_i_reader_check(rd);
    telem_i_reader_pass(rd, rd->held - 1u);
    if (res == TELEM_OK && rd->record.data) rd->delivered++;
    else telem_i_reader_lost(rd, c, 1);
    rd->held = 0;
    return res;
}

TELEM_API telem_result telem_ring_read(telem_ring_reader *rd, telem_ring_record *rec, void *buf, size_t cap) {
    telem_result res;
    telem_ring_record found;
    uint32_t which = 0;
    if (!rd || !rd->ring || !rec || (!buf && cap)) return TELEM_ERR_ARG;
    if (rd->held) return TELEM_ERR_STATE;
    res = telem_i_reader_check(rd);
    if (res != TELEM_OK) return res;
    res = telem_i_reader_next(rd, &found, buf, cap, 0, &which);
    if (res == TELEM_ERR_MEMORY) found.data = NULL;
    if (res == TELEM_OK || res == TELEM_ERR_MEMORY) *rec = found;
    if (res != TELEM_OK) return res;
    rd->delivered++;
    telem_i_reader_pass(rd, which);
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_reader_loss(telem_ring_reader *rd, telem_ring_loss *loss) {
    telem_ring_loss none = TELEM_ZERO;
    if (!rd || !loss) return TELEM_ERR_ARG;
    if (rd->loss.count == 0) {
        none.stream = TELEM_RING_MANY;
        *loss = none;
        return TELEM_EMPTY;
    }
    *loss = rd->loss;
    rd->loss = none;
    return TELEM_OK;
}

/* -- joining and leaving -- */

static telem_result telem_i_cursor_start(telem_ring_reader *rd, uint32_t i, int latest) {
    telem_ring *r = rd->ring;
    telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
    int tries = 8;
    memset(c, 0, sizeof *c);
    while (tries-- > 0) {
        if (telem_i_reader_is_shared(rd, i)) {
            telem_i_ring_shared *s = telem_i_ring_shared_of(r);
            uint32_t n;
            if (!telem_i_shared_oldest(r, s, &n, &c->voids)) continue;
            c->pos = n;
            return TELEM_OK;
        } else {
            telem_i_ring_lane *l = telem_i_ring_lane_at(r, i);
            telem_i_pos seq;
            if (latest ? telem_i_lane_newest(rd, l, &c->pos, &seq) : telem_i_lane_oldest(r, l, &c->pos, &seq)) {
                c->seq = seq;
                c->seen = c->pos;
                return TELEM_OK;
            }
        }
    }
    return TELEM_AGAIN;
}

/* Passes over what is in the shared lane now. Numbers still uncommitted stay: they come later. */
static void telem_i_shared_skip(telem_ring_reader *rd, telem_i_ring_cursor *c) {
    telem_ring *r = rd->ring;
    telem_i_ring_shared *s = telem_i_ring_shared_of(r);
    uint32_t left = r->shared_records;
    while (left-- > 0) {
        uint32_t n = (uint32_t)(c->pos & UINT32_MAX);
        uint32_t state = TELEM_LOAD32_ACQUIRE(&telem_i_shared_desc(r, s, n)->state);
        if (!telem_i_shared_is(r, state, n) || (state & TELEM_I_STATE) == TELEM_I_RESERVED) return;
        if ((state & TELEM_I_STATE) != TELEM_I_COMMITTED) c->voids++;
        c->pos = (telem_i_pos)(n + 1u);
    }
}

/* Is the gate that this reader has just set in time to hold everything from its cursor on? If not,
   floor or tail show that; if so, each writer sees it before it takes the space (E6). */
static int telem_i_gate_holds(telem_ring_reader *rd, uint32_t i) {
    const telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
    if (telem_i_reader_is_shared(rd, i))
        return (int32_t)(TELEM_LOAD32_ACQUIRE(&telem_i_ring_shared_of(rd->ring)->tail) - (uint32_t)(c->pos & UINT32_MAX)) <= 0;
    return (telem_i_spos)(TELEM_I_POS_ACQUIRE(&telem_i_ring_lane_at(rd->ring, i)->floor) - c->pos) <= 0;
}

static telem_result telem_i_cursor_join(telem_ring_reader *rd, uint32_t i) {
    int latest = rd->desc.start == TELEM_RING_LATEST, tries = 8;
    while (tries-- > 0) {
        telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
        if (telem_i_cursor_start(rd, i, latest) != TELEM_OK) return TELEM_AGAIN;
        telem_i_reader_gate(rd, i, c->pos);
        TELEM_FENCE_SEQ_CST(); /* E6 */
        if (!rd->slot || telem_i_gate_holds(rd, i)) {
            if (latest && telem_i_reader_is_shared(rd, i)) telem_i_shared_skip(rd, c);
            telem_i_reader_gate(rd, i, c->pos);
            return TELEM_OK;
        }
    }
    return TELEM_AGAIN;
}

static telem_result telem_i_slot_take(telem_ring_reader *rd) {
    telem_ring *r = rd->ring;
    uint32_t i, shift = 0;
    while (rd->desc.timeout >> shift > 0x3FFFFFFFu) shift++;
    for (i = 0; i < r->readers; i++) {
        telem_i_ring_slot *slot = telem_i_ring_slot_at(r, i);
        uint32_t was = TELEM_LOAD32_RELAXED(&slot->state), lane;
        if ((was & 3u) != TELEM_I_SLOT_FREE) continue;
        if (!TELEM_CAS32(&slot->state, &was, (was | TELEM_I_SLOT_JOINING) + 4u)) continue; /* E13 */
        rd->slot = slot;
        rd->slot_state = ((was + 4u) & ~3u) | TELEM_I_SLOT_ACTIVE;
        TELEM_STORE32_RELAXED(&slot->limit, (uint32_t)(rd->desc.timeout >> shift));
        TELEM_STORE32_RELAXED(&slot->shift, shift);
        for (lane = 0; lane <= r->lanes; lane++) { /* until a lane is joined its gate holds nothing */
            telem_i_ring_shared *s = telem_i_ring_shared_of(r);
            telem_i_pos at = 0;
            if (lane < r->lanes) at = TELEM_I_POS_RELAXED(&telem_i_ring_lane_at(r, lane)->committed);
            else if (s) at = (telem_i_pos)TELEM_LOAD32_RELAXED(&s->tail);
            telem_i_reader_gate(rd, lane, at + 0x40000000u);
        }
        return TELEM_OK;
    }
    return TELEM_FULL;
}

TELEM_API telem_result telem_ring_reader_init(telem_ring_reader *rd, telem_ring *ring, const telem_ring_reader_desc *desc) {
    telem_result res = TELEM_OK;
    uint32_t i;
    if (!rd || !ring || ring->magic != TELEM_I_RING_MAGIC) return TELEM_ERR_ARG;
    memset(rd, 0, sizeof *rd);
    if (desc) rd->desc = *desc;
    if ((rd->desc.gating && ring->policy != TELEM_RING_REFUSE) || rd->desc.start > TELEM_RING_LATEST ||
        (rd->desc.stream_count && !rd->desc.streams) || (((uintptr_t)rd->desc.copy | (uintptr_t)rd->desc.cursors) & 7u) != 0)
        return TELEM_ERR_ARG;
    rd->count = ring->lanes + (ring->shared_units ? 1u : 0);
    if (rd->desc.cursors ? rd->desc.cursors_size < rd->count * sizeof(telem_i_ring_cursor) : rd->count > TELEM_RING_CURSORS)
        return TELEM_ERR_MEMORY;
    rd->ring = ring;
    if (rd->desc.gating) {
        res = telem_i_slot_take(rd);
        if (res == TELEM_OK) TELEM_STORE32_RELEASE(&rd->slot->state, rd->slot_state); /* E5 */
    }
    for (i = 0; res == TELEM_OK && i < rd->count; i++) res = telem_i_cursor_join(rd, i);
    if (res == TELEM_OK) return TELEM_OK;
    telem_ring_reader_deinit(rd);
    return res;
}

TELEM_API void telem_ring_reader_deinit(telem_ring_reader *rd) {
    if (!rd || !rd->ring) return;
    if (rd->slot) TELEM_STORE32_RELEASE(&rd->slot->state, rd->slot_state & ~3u); /* E13 */
    memset(rd, 0, sizeof *rd);
}

/* >>stats */

static uint64_t telem_i_lane_count(const telem_i_ring_lane *l) {
#if TELEM_HAS_ATOMIC64
    return TELEM_I_POS_RELAXED(&l->count);
#else
    uint32_t hi = TELEM_LOAD32_ACQUIRE(&l->count_hi), lo = TELEM_LOAD32_ACQUIRE(&l->count.v);
    return TELEM_LOAD32_RELAXED(&l->count_hi) == hi ? (uint64_t)hi << 32 | lo : (uint64_t)(hi + 1u) << 32;
#endif
}

/* Committed and open among the numbers from n on. */
static void telem_i_shared_walk(const telem_ring *r, telem_i_ring_shared *s, uint32_t n, uint64_t *committed, uint64_t *open) {
    uint32_t left = r->shared_records;
    for (; left > 0; left--, n++) {
        uint32_t state = TELEM_LOAD32_ACQUIRE(&telem_i_shared_desc(r, s, n)->state);
        if (!telem_i_shared_is(r, state, n)) return;
        *committed += (state & TELEM_I_STATE) == TELEM_I_COMMITTED;
        *open += (state & TELEM_I_STATE) == TELEM_I_RESERVED;
    }
}

static void telem_i_refused_add(telem_ring_counts *to, const telem_i_ring_refused *f) {
    uint32_t stream = TELEM_LOAD32_RELAXED(&f->stream);
    int64_t first = telem_i_time_load(f->first), last = telem_i_time_load(f->last);
    int was = to->refused_first <= to->refused_last;
    to->refused += telem_i_count_get(&f->count);
    if (!TELEM_LOAD32_RELAXED(&f->any)) return;
    if (!was || first < to->refused_first) to->refused_first = first;
    if (!was || last > to->refused_last) to->refused_last = last;
    to->refused_stream = !was || to->refused_stream == stream ? stream : TELEM_RING_MANY;
}

static void telem_i_lane_add(const telem_ring *r, uint32_t i, telem_ring_counts *to) {
    telem_i_ring_lane *l = telem_i_ring_lane_at(r, i);
    to->committed += telem_i_lane_count(l);
    to->aborted += telem_i_count_get(&l->aborted);
    to->open += TELEM_LOAD32_RELAXED(&l->open);
    to->bytes += (uint64_t)(TELEM_I_POS_RELAXED(&l->committed) - (telem_i_pos)(TELEM_I_RING_START)) * 8u;
    telem_i_refused_add(to, &l->refused);
}

static void telem_i_shared_add(const telem_ring *r, telem_ring_counts *to) {
    telem_i_ring_shared *s = telem_i_ring_shared_of(r);
    uint32_t start = (uint32_t)((telem_i_pos)(TELEM_I_RING_START) & UINT32_MAX), n = 0, voids = 0, hi, tries = 8, head;
    uint64_t committed;
    if (!s) return;
    do hi = TELEM_LOAD32_ACQUIRE(&s->tail_hi);
    while (!telem_i_shared_oldest(r, s, &n, &voids) && --tries);
    committed = ((uint64_t)hi << 32 | n) - start - voids;
    telem_i_shared_walk(r, s, n, &committed, &to->open);
    head = telem_i_shared_find(r, s);
    to->committed += committed;
    to->aborted += telem_i_count_get(&s->aborted);
    to->bytes += committed * sizeof(telem_i_ring_descriptor) + (uint64_t)(uint32_t)(TELEM_LOAD32_ACQUIRE(&telem_i_shared_desc(r, s, head - 1u)->start) + telem_i_shared_extent(r, TELEM_LOAD32_ACQUIRE(&telem_i_shared_desc(r, s, head - 1u)->state)) - start) * 8u;
    telem_i_refused_add(to, &s->refused);
}

TELEM_API telem_result telem_ring_lane_stats(const telem_ring *ring, uint32_t lane, telem_ring_counts *counts) {
    telem_ring_counts c = TELEM_ZERO;
    if (!ring || !counts || lane > ring->lanes || (lane == ring->lanes && !ring->shared_units)) return TELEM_ERR_ARG;
    c.refused_stream = TELEM_RING_MANY;
    c.refused_first = INT64_MAX, c.refused_last = INT64_MIN;
    if (lane == ring->lanes) telem_i_shared_add(ring, &c);
    else telem_i_lane_add(ring, lane, &c);
    c.offered = c.committed + c.refused + c.aborted + c.open;
    c.expelled = telem_i_count_get(&ring->expelled);
    *counts = c;
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_stats(const telem_ring *ring, telem_ring_counts *counts) {
    telem_ring_counts c = TELEM_ZERO;
    uint32_t i;
    if (!ring || !counts) return TELEM_ERR_ARG;
    c.refused_stream = TELEM_RING_MANY;
    c.refused_first = INT64_MAX, c.refused_last = INT64_MIN;
    for (i = 0; i < ring->lanes; i++) telem_i_lane_add(ring, i, &c);
    telem_i_shared_add(ring, &c);
    c.offered = c.committed + c.refused + c.aborted + c.open;
    c.expelled = telem_i_count_get(&ring->expelled);
    *counts = c;
    return TELEM_OK;
}

static uint64_t telem_i_shared_queued(const telem_ring_reader *rd, const telem_i_ring_cursor *c) {
    telem_i_ring_shared *s = telem_i_ring_shared_of(rd->ring);
    uint32_t n = (uint32_t)(c->pos & UINT32_MAX), tail = 0, voids = 0, tries = 8;
    uint64_t queued = 0, open = 0;
    while (!telem_i_shared_oldest(rd->ring, s, &tail, &voids) && --tries) {
    }
    if ((int32_t)(tail - n) > 0 && !telem_i_reader_trusted(rd)) {
        queued = (tail - n) - (voids - c->voids);
        n = tail;
    }
    telem_i_shared_walk(rd->ring, s, n, &queued, &open);
    return queued;
}

TELEM_API telem_result telem_ring_reader_stats(const telem_ring_reader *rd, telem_ring_reader_counts *counts) {
    telem_ring_reader_counts n;
    uint32_t i;
    if (!rd || !rd->ring || !counts) return TELEM_ERR_ARG;
    n.delivered = rd->delivered, n.filtered = rd->filtered, n.lost = rd->lost, n.queued = 0;
    for (i = 0; i < rd->count; i++) {
        const telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
        if (telem_i_reader_is_shared(rd, i)) n.queued += telem_i_shared_queued(rd, c);
        else n.queued += (telem_i_pos)(TELEM_I_POS_RELAXED(&telem_i_ring_lane_at(rd->ring, i)->count) - (telem_i_pos)c->seq);
    }
    *counts = n;
    return TELEM_OK;
}

#endif /* TELEM_IMPLEMENTATION */

/*  MIT License

    Copyright (c) 2026 the telem authors

    Permission is hereby granted, free of charge, to any person obtaining a copy of this software
    and associated documentation files (the "Software"), to deal in the Software without
    restriction, including without limitation the rights to use, copy, modify, merge, publish,
    distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
    Software is furnished to do so, subject to the following conditions:

    The above copyright notice and this permission notice shall be included in all copies or
    substantial portions of the Software.

    THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING
    BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
    NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
    DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
    OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE. */
