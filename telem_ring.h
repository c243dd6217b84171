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
       - A lane's push is wait-free and uses no read-modify-write instruction (but where a gating
         reader that has a timeout is in its way); the shared lane's is lock-free: it repeats only
         because another push, or an end of one, went through.
                                            lane_is_written_without_read_modify_write_in_bounded_steps
                                            commit_interrupted_anywhere
       - Readers merge lanes by time stamp, whatever the stamps and by whatever call they read.
                                            any_stamps_are_merged_however_they_are_read
                                            stamps_of_one_clock_come_in_order_while_writers_go_on
       - REFUSE: a record that a gating reader has not released is not overwritten, and a span that
         peek gave stays as it is; the new record is refused and counted.
                                            refused_record_is_counted
                                            peeked_span_is_stable_until_release
                                            reader_that_joins_inside_a_push_is_not_overwritten
         Only gating readers hold space: without one a REFUSE ring overwrites as the other does.
                                            without_gating_readers_nothing_is_refused
       - A gating reader that does not move, in any lane, is expelled when its timeout is over, and told.
                                            dead_gating_reader_is_expelled_and_told
                                            reader_at_work_in_another_lane_is_not_expelled
                                            expelled_in_any_lane_with_a_record_in_hand
       - OVERWRITE, and readers that do not gate: a lapped reader goes on with the oldest block that
         is whole and knows exactly how many records it lost.
                                            lapped_reader_knows_exactly_how_many_it_lost
       - A producer that is parked or dies between begin and commit costs its own record, and the
         bytes of its span for as long as it stays. Readers do not wait for it for longer than
         desc.stall. (16 at a time; a 17th that is lapped makes pushes answer FULL until one leaves.)
                                            parked_producer_costs_its_own_record
                                            lapped_producer_never_tears_a_record
                                            too_many_parked_producers_refuse_and_recover
       - A record takes 8 bytes (lane) or 16 (shared lane) besides its payload, which is rounded up
         to 8: 16 and 24 bytes with a payload of 8.  small_record_takes_at_most_32_bytes
         8 more: in a lane for streams above 65535, payloads above 65520 bytes, and the first record
         whose stamp has another upper half (32 bits) than the one before; in the shared lane for
         streams above 254 and stamps whose top 8 bits are not those of its first record.
                                            any_stream_time_and_length_come_back
       - A batch is published by one store, or not at all (lane).
                                            batch_is_published_at_once_or_not_at_all
       - Records may span the wrap, or, with desc.contiguous, never do.
                                            span_is_filled_in_place_across_the_wrap
                                            contiguous_record_never_wraps
                                            begin_whole_gives_one_piece_in_any_ring
       - 32-bit cursors (no lock-free 64-bit atomics) give the same answers.
                                            the same tests, test_ring_narrow.c
       - No recursion. Loops are bounded by the number of lanes, blocks or parked producers, but for
         the retries of the shared lane named above. Largest stack frames in bytes (gcc 12): x86-64 -O2
         800 resume, 464 init, 256 reads, 208 pushes; Cortex-M4 -Os 736, 256, 144, 136.
       - Killed at any instruction, all records whose commit had returned and that were not overwritten
         are read from the memory, each once, whole, in order; the account closes. (test_ring_attach.c)
                                            killed_at_any_instruction_all_that_was_committed_is_read
                                killed_processes_leave_all_that_was_committed (scenario_blackbox.c)
                                resets of emulated boards, M0 to M33 (tests/mcu/blackbox.c, make mcu)
       - Bytes given to attach are hostile: it reads inside them, ends, and yields no record from a
         block whose words disagree.        every_flipped_bit_is_harmless, every_cut_is_harmless
                                            (test_ring_attach.c), fuzz_ring.c
       - A dump is read on a machine of another byte order or cursor width.
                                            dumps_of_other_machines_are_read (test_ring_attach.c)
       - A trigger keeps exactly N records before and M after.
                                            trigger_keeps_n_before_and_m_after (test_ring_attach.c)

   CONTENTS
       concepts . who may call what . sizes . layout . full . parked producers . time . black box
       . triggers . small ring . options . porting . horizons;  ordering stands in front of the implementation

   CONCEPTS
       A ring has single-writer LANES and, for whoever has none, one SHARED lane. Give each thread
       a lane (TELEM_RING_CLAIM), each interrupt priority one (by number: interrupts of one
       priority cannot interrupt each other, so they are one writer). Lanes are cheap to write: no
       atomic read-modify-write, no cache line that another producer writes. The shared lane takes
       any number of producers at the same time, in any nesting, at the price of both.
       A READER sees all lanes, merged by time stamp: among the lanes that have something, the one
       with the smallest stamp is next. A record that is committed later with an older stamp comes
       later (than those that were there when the reader last looked at all lanes). Readers are
       independent; each has its filter, its account and its losses.
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
              + (shared ? 384 + round64(8 * shared_records) + shared_bytes : 0) + notes_bytes
       block = lane_bytes / 8, at least 64, at most 16384. telem_ring_bytes() knows it exactly.
       With 32-bit cursors nothing is spread over cache lines: 104 instead of 192, 288 instead of 384.
       A lapped reader finds the ring again at a block's start, so up to a block more than what is
       overwritten counts as lost. A push costs the same whatever the size.

   LAYOUT (version 2)
       What a dump, a mapped file or RAM that survived holds. Words of 4 or 8 bytes in the byte order
       of the machine; `endian` tells which. A POSITION is an 8-byte slot: 8 bytes when cursor_bits is
       64, else 4 and 4 unused; it counts units of 8 bytes. A PAIR (low, high) is one 8-byte word
       low | high << 32 when cursor_bits is 64, else two 4-byte words, low first.

       ring         0 magic 0x676E6952, 4 layout, 8 endian 0x01020304, 12 cursor_bits, 16 bytes (of
                    all), 20 lanes, 24 lane_units, 28 block_units, 32 block_log2, 36 lane_stride,
                    40 shared_units, 44 shared_records, 48 records_log2, 52 length_bits, 56 tag_mask,
                    60 policy, 64 contiguous, 68 max_record, 72 readers, 76 slot_stride,
                    80 slots_at, 84 lanes_at, 88 shared_at, 92 notes_at, 96 notes_bytes,
                    100 stall (low, high), 108 hz_num (low, high), 116 hz_den, 120 clock_bits (0: no
                    clock), 124 clock_domain; all words of 4. 128 .. 255 the process's own.
       slots        at slots_at, `readers` of them, slot_stride apart: gating readers; no records
       lane i       at lanes_at + i * lane_stride: 0 committed (position), 8 count (position), 16 open,
                    24 (cursor_bits 64: 64) floor (position); behind floor + 8 owner, 12 time_hi, 16
                    count_hi, 20 count_at, 24 aborted (low, high), 32 refused (low, high), 40 any,
                    44 stream, 48 first stamp (low, high), 56 last stamp (low, high), 64 clock_last,
                    72 clock_started; at 104 (192) an anchor of 16 bytes for each block: 0 skip (4),
                    4 hi (4), 8 seq (position); the data are the last lane_units * 8 bytes.
       anchor       of the block that starts at position b, at index (b >> block_log2) mod blocks: the
                    first entry in or behind it is at b + skip; seq records and the upper half hi of
                    the stamps came before it. Valid for floor <= b <= committed.
       entry        a pair at unit (position mod lane_units). low: length | stream << 16; high: lower
                    half of the stamp. Then the payload, rounded up to units; it may wrap. Lengths:
                      0xFFFF  length and stream are a second pair, before the payload
                      0xFFFE  no record: skip `high` units, this one included (>= 1)
                      0xFFFD  no record: `high` is the upper half of the stamps from here on; in the
                              place of the stream the step from the half before, 0 when beyond 16 bits
       shared lane  at shared_at: 0 tail, 4 tail_hi, 8 cleared, 12 parked, 16 wraps, 20 top, 24 hint;
                    at 32 (64) 16 voids, at 96 (128) aborted, 104 (136) refused, 160 (192) parking:
                    TELEM_RING_PARKED_MAX x (number, start); at 288 (384) descriptors: a pair (state,
                    start) each, rounded up to 64 bytes; then the data.
       descriptor   of number n, at index n mod shared_records: state = kind | bytes << 3 |
                    lap << (3 + length_bits), lap = (n >> records_log2) & tag_mask. Numbers from tail
                    on, as long as the lap is right; kind 1 is a record, its span `bytes` long at unit
                    (start mod shared_units): a pair whose 64 bits are stream | stamp << 8 (the top 8
                    bits of the stamp are those of `top`), then the payload. Stream 255: the second
                    pair is (stream, top 8 bits of the stamp).
       notes        notes_bytes at notes_at: one after the other, 0 id, 4 length, 8 hash, 12 zero, all
                    little-endian; the bytes, rounded up to 8. hash: FNV-1a of id, length and bytes, 1
                    instead of 0; 0 ends them.

   FULL
       OVERWRITE: never in a lane; in the shared lane for a producer's own record when it was parked
       too long, and for any while more than 16 parked ones are in the way (below), or their spans
       leave no gap that is long enough. REFUSE: TELEM_FULL, counted (telem_ring_stats: how many,
       which stream, from when to when). What a reader missed is told by telem_ring_reader_loss, after
       the peek that found out: count and the stamps on both sides of the gap.

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
       Timeouts run on the stamps of the records that find the ring full, so those of a ring are to
       come from one clock: a record stamped far ahead may end a timeout at once. A timeout is
       counted in pieces, at most 1/2048 of it: it may last so much longer, never shorter. A silence
       of 2^19 timeouts or more may be followed by another wait of as long.

   BLACK BOX
       The memory of a ring may outlive its program: a mapped file after a crash or kill -9, .noinit
       RAM after a reset, a piece of a core dump, a copy in flash. It needs no closing, no flush and
       no pointer: whoever was killed is like a producer that is parked for ever, and a record is
       committed by one store.

           telem_ring_attach_desc a = TELEM_ZERO;
           telem_ring_image im;
           a.bytes = memory;  a.size = sizeof memory;          // or a copy, at any alignment
           if (telem_ring_attach(&im, &a) == TELEM_OK)         // NOT_FOUND: a cold start
               while (telem_ring_image_read(&im, &rec, buf, sizeof buf) == TELEM_OK)
                   use(rec.stream, rec.time, rec.data, rec.len);

       attach trusts no word: the head must be what init would make of its sizes, a lane's records
       are walked from anchor to anchor and a block whose lengths and counts do not meet the next
       anchor exactly yields nothing, cursors and spans must lie inside their lane. What is not
       saved is counted by cause (telem_ring_account). Payloads, stamps and streams have no check
       of their own, nor has the word that says a record of the shared lane is committed: flipped
       bits in them show only to who put a CRC into his records.
       The memory must stand still: what is copied while producers run on is torn, and nothing tells.
       Then either the ring is laid out anew (telem_ring_init), or it goes on with what it holds
       (telem_ring_resume), the readers of the new life getting the records of the old one.

       Elsewhere. A dump is read on any machine with 64-bit cursors, whatever the byte order and
       cursor width that made it (a 32-bit one reads 32-bit ones of either order). im.clock tells
       what a tick was. Payloads are the bytes that were pushed: rows of telem_schema_pack are the
       same everywhere, C structs are for programs of the same ABI. So that a dump explains itself,
       keep the schemas in it: desc.notes_bytes makes room for notes, and by convention the note
       with a stream's number is its schema:

           n = telem_schema_encode(&Imu_schema, 0, bytes, sizeof bytes);
           telem_ring_note(ring, STREAM_IMU, bytes, (uint32_t)n);          // telem_ring_image_note

       On real parts. The section must survive startup code and linker:
           gcc, clang  uint64_t memory[N] __attribute__((section(".noinit"), aligned(64)));
                       and in the linker script  .noinit (NOLOAD) : { *(.noinit*) } > RAM
           IAR         __no_init uint64_t memory[N];
           Keil        uint64_t memory[N] __attribute__((section(".bss.NoInit")));  and an execution
                       region with UNINIT that holds *(.bss.NoInit)
       Data caches (Cortex-M7): what is dirty in the cache dies with a reset. Put the ring into DTCM,
       or into a region that the MPU makes not cached (or write-through, where the part's errata allow
       it); cleaning the cache in the fault handler serves faults, not watchdogs. RAM with ECC or
       parity must be written once after power-on before it is read: after a power-on reset (the reset
       cause register tells) write zeros and init; after every other reset attach. Such RAM may hold
       back one store that is narrower than its word: the last record may be missing. Bootloaders use
       RAM: keep the ring out of theirs. Standby and brown-out may spoil RAM: that is what the checks
       are for. examples/stm32 has a whole program, and notes on DMA, FreeRTOS and Zephyr.

   TRIGGERS
       A trigger keeps what led to an event: N records (or ticks) before and M after. It is a
       gating reader that joins when it fires, in a ring whose policy is REFUSE: without gating
       readers such a ring overwrites like any flight recorder, and no push pays for the trigger.

           telem_ring_trigger_init(&t, ring, &d);              // d.before = 500, d.after = 200
           telem_ring_trigger_fire(&t, now);                   // a fault, a button: thread or ISR
           while (telem_ring_trigger_read(&t, &rec, buf, sizeof buf) == TELEM_OK) save(&rec);
           telem_ring_trigger_arm(&t);                         // after TELEM_END

       or on a record: a reader whose filter is the predicate goes to telem_ring_trigger_watch.
       When it has fired nothing that the ring held is overwritten; new records are taken while
       there is room and then refused and counted (telem_ring_stats). Why so and not a second
       bank: a bank would halve what a small part can keep before the event, and one ring can give
       its room to either side; reading makes room again, so M may exceed it.
       Size the ring for N and the delay until the predicate's reader looks.

   SMALL RING
       For one core, where flash and instructions count: telem_ring_small is one stretch of memory for
       the writers of one place, and one reader. Nothing of the ring above is linked with it.

           static uint64_t memory[1024 / 8];
           telem_ring_small *r;
           telem_ring_small_init(&r, memory, sizeof memory, TELEM_RING_REFUSE, now);
           telem_ring_small_push(r, 1, ticks, "hello", 5);             // stream 1, 32 bits of time
           while (telem_ring_small_peek(r, &rec) == TELEM_OK) {
               use(rec.stream, rec.time, rec.data, rec.len);
               telem_ring_small_release(r);
           }

       What it gives up: several readers, filters, timeouts of readers, triggers, dumps for other
       machines, threads on two cores. What it keeps: a record whole or not at all, in order, once;
       the accounts; REFUSE and OVERWRITE; spans to be filled in place, always in one piece; memory
       that survives a reset (telem_ring_small_attach).
                                            small_ring_* (test_ring_small.c)
                                            interrupts at every instruction: tests/mcu/small_ring.c
       telem_ring_small_push is for one writer at a time: main, or interrupts of one priority. It masks
       nothing; the reader may be anywhere. telem_ring_small_push_shared is for writers that interrupt
       each other in one ring: it masks interrupts for as long as it looks for room and copies, by
       TELEM_CRITICAL_ENTER of telem.h, which is there on Cortex-M (privileged: elsewhere the core ignores
       cpsid without a word) and which others define. One ring takes one of both. OVERWRITE needs the macro
       in either case: each old record is taken away, and a record given back, with interrupts masked.
       Longest masked stretch, instructions, -Os, M4 (M0): one old record taken away 33 (40), a record
       given back 6 (10), a shared push of 8 bytes 48 (52), of 128 bytes 153 (145); telem_ring_small_stats
       masks while it walks all that is queued.                  tests/mcu/masked_ring.c
       A reader of several small rings peeks at all of them and takes the smallest stamp.
       Time is 32 bits of a clock's ticks; the reader extends it to 64 as long as it looks at records
       that are less than half a wrap apart, and begins at init's `now`. A record takes 8 bytes
       besides its payload, rounded up to 8; it may be 16368 bytes long, or somewhat less than half of
       the memory. Streams are 0..65535.
       An open record (begun, not ended) holds up the reader and, once the ring is full, everything.
       Flash, Cortex-M4 -Os: 1.0 KB with the reader, 1.1 with shared pushes (the ring above: 7.7 KB with one
       lane, 12.4 with a shared one). 8 bytes take 19 instructions through telem_ring_small_push_inline, 22
       through .._push_shared_inline (Cortex-M0: as many), 97 and 99 through the functions; where the oldest
       must go, 70 more on the average. peek and release: 112.

   OPTIONS (besides those of telem.h; the same in all files)
       TELEM_RING_MEMCPY     payloads move by memcpy instead of relaxed atomic words: faster, but
                             readers that do not gate then race formally with writers (their
                             validation makes it harmless on all compilers that we know; TSan
                             complains)

       TELEM_RING_NO_SHARED  lanes only: the shared lane's code is left out (Cortex-M4 -Os, one lane and
                             a reader: 7.0 KB instead of 11.7). init then answers ERR_ARG for
                             shared_bytes, attach ERR_UNSUPPORTED for a ring that has one

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
       max_record of 1/8 of that. It shrinks with shared_records: 32 of them and a max_record of
       1 MB leave 2^13 records. */

#include "telem.h"

#ifndef TELEM_RING_H
#define TELEM_RING_H

/* ------------------------------------------------------------------------------ constants ---- */

/* desc.policy: what a full ring does. Fixed numbers, never an enum: they live in shared memory. */
#define TELEM_RING_REFUSE 0u    /* the new record is refused (TELEM_FULL) while a gating reader needs it */
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
#define TELEM_RING_HEADER 8u            /* bytes that a record adds to its payload, in a lane */
#define TELEM_RING_SHARED_HEADER 16u    /* the same in the shared lane: 8, and a descriptor of 8 */
#ifndef TELEM_RING_LANE_MIN
#define TELEM_RING_LANE_MIN 512u        /* smallest lane_bytes and shared_bytes */
#endif
#define TELEM_RING_SHARED_RECORD_MAX 1048568u /* largest max_record of a ring with a shared lane */
#ifndef TELEM_RING_PARKED_MAX
#define TELEM_RING_PARKED_MAX 16        /* parked producers that the shared lane steps around */
#endif
#ifndef TELEM_RING_CURSORS
#define TELEM_RING_CURSORS 9            /* lanes + shared that a reader holds without desc.cursors (fewer: less
                                           RAM, the same in all files of a program) */
#endif

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

/* Constant after init; what follows from a desc. Words of 32 bits only, so that a dump from
   another machine is turned round in one loop. */
typedef struct telem_i_ring_fixed {
    uint32_t magic, layout, endian, cursor_bits;
    uint32_t bytes;                         /* of the whole ring */
    uint32_t lanes, lane_units, block_units, block_log2, lane_stride;
    uint32_t shared_units, shared_records, records_log2, length_bits, tag_mask;
    uint32_t policy, contiguous, max_record;
    uint32_t readers, slot_stride;
    uint32_t slots_at, lanes_at, shared_at, notes_at, notes_bytes; /* offsets from the ring */
    uint32_t stall[2], hz_num[2], hz_den, clock_bits, clock_domain; /* clock_bits 0: no clock */
} telem_i_ring_fixed;

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
                                records it holds at most; 0: shared_bytes / 16. At most 2^24:
                                ERR_ARG beyond, also for the 0 of more than 256 MB */
    uint32_t policy;         /* TELEM_RING_REFUSE (0) or TELEM_RING_OVERWRITE */
    uint32_t max_record;     /* largest payload in bytes; 0: a quarter of the smallest lane, which
                                is also the most that may be asked for */
    uint32_t readers;        /* gating readers at the same time, 0..255; 0: 4 */
    uint8_t contiguous;      /* 1: no record spans the wrap (part[1] is empty; room for DMA) */
    const telem_clock *clock; /* copied. For TELEM_RING_NOW; NULL: the caller stamps */
    uint64_t stall;          /* how long readers of the shared lane wait for an uncommitted record
                                that holds up later ones, in clock ticks (without a clock: in
                                calls); 0: 60 to 125 ms (without a clock: 1000
                                calls). At most half a wrap of the clock; longer becomes that */
    uint32_t notes_bytes;    /* room for notes (schemas, names) that a dump takes along; 0: none */
} telem_ring_desc;

typedef struct telem_i_ring_lane telem_i_ring_lane;
typedef struct telem_i_ring_shared telem_i_ring_shared;
typedef struct telem_i_ring_slot telem_i_ring_slot;
typedef struct telem_i_ring_descriptor telem_i_ring_descriptor;

/* What a lane's owner changes with every record; the lane begins with it. */
typedef struct telem_i_ring_tip {
    telem_i_ring_word committed; /* end of the last committed record */
    telem_i_ring_word count;     /* records committed */
    telem_atomic32 open;         /* 1: a record is begun, for stats */
    uint32_t gap;
} telem_i_ring_tip;

/* A producer's handle. The fields are the implementation's, but compiled into the callers of the
   inline functions: all files of a program use the same version of this header. */
typedef struct telem_ring_writer {
    char *at, *end;              /* lane: [at, end) is claimed, in one block and in one piece */
    telem_i_ring_tip *tip;
    uint32_t time_hi;            /* upper half of the latest stamp in this lane */
    uint32_t max_record;
    telem_ring *ring;
    telem_i_ring_lane *lane;     /* NULL: the shared lane, and then nothing above and below changes */
    telem_i_ring_shared *shared;
    telem_i_ring_descriptor *descs; /* shared: of all numbers */
    const telem_atomic32 *held;  /* shared: tail or cleared, numbers before it are free */
    uint32_t desc_mask, lap, laps; /* shared: one lap in a descriptor's state, and all bits of it */
    telem_i_ring_cell *data;
    telem_i_pos mask;
    telem_i_pos limit;           /* free without asking up to here */
    telem_i_pos floor;           /* what lane->floor holds */
    telem_i_pos next;            /* of the open record: its end, */
    uint32_t next_hi;            /* and the upper half of its stamp */
    int32_t index;
    uint8_t open;
    uint8_t tsc;                 /* the clock is telem_clock_tsc: read without a call */
    const telem_clock *clock;
    telem_clock_state clock_state;
} telem_ring_writer;

/* A reserved record, to be filled in place. part[1] is NULL and size[1] 0 unless it wraps. */
typedef struct telem_ring_span {
    void *part[2];
    uint32_t size[2]; /* bytes; size[0] + size[1] == the record's length */
    telem_i_pos pos;  /* the rest is the implementation's */
    uint32_t number, head;
} telem_ring_span;

/* One record of a batch. */
typedef struct telem_ring_item {
    uint32_t stream;
    uint32_t len;
    int64_t time; /* ticks, or TELEM_RING_NOW: all of the batch share one reading */
    const void *data;
} telem_ring_item;

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
    uint64_t bytes;     /* of ring that the committed records took, headers included; shared lane:
                           also the spans of those that were aborted or revoked, or are open */
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
    void *copy;              /* 8-aligned buffer for peek, this reader's alone: needed by readers that
                                do not gate, and for records that span the wrap. NULL: peek has
                                only stable spans */
    size_t copy_size;        /* bytes; max_record is enough, (max_record + 24) * (lanes + 1) or more
                                lets readers that do not gate take many records at once */
    const uint32_t *streams; /* deliver only these; the caller's, while the reader lives */
    uint32_t stream_count;   /* 0: all */
    telem_filter filter;     /* NULL: all. Sees stable bytes */
    void *filter_user;
    uint64_t timeout;        /* gating: expelled when a writer found the ring full because of this
                                reader, and it has not moved for so many ticks; 0: never. Ticks
                                are those of the records' stamps (TIME) */
    void *cursors;           /* for more than 8 lanes: 8-aligned, TELEM_RING_CURSOR_BYTES(lanes) */
    size_t cursors_size;
} telem_ring_reader_desc;

typedef struct telem_i_ring_cursor {
    telem_i_pos pos;   /* lane: unit; shared: record number */
    telem_i_pos seen;  /* lane: committed as last loaded; shared: unit of the head record */
    uint64_t seq;      /* lane: records before pos; shared: unused */
    const char *at, *stop; /* lane: the unit at pos and what follows it, as far as it was validated
                              (a copy) or is held by the gate (the ring itself); NULL: nothing */
    char *chunk;       /* the part of desc.copy that this lane's copies go to */
    size_t chunk_size; /* 0: none */
    uint32_t hi;       /* lane: upper half of the stamps from pos on */
    uint32_t voids;    /* shared: numbers before pos that carry no record */
    uint32_t stall_number;
    uint64_t stall_since;
    int64_t last;      /* stamp of the latest record passed */
    int64_t time;      /* the head record, when has is set */
    uint32_t len, stream;
    uint8_t head;      /* units before its payload */
    uint8_t live;      /* 1: its bytes are in the ring, 0: in the chunk */
    uint8_t many;      /* the chunk is this lane's alone */
    uint8_t has, gap, stalled, passed;
} telem_i_ring_cursor;
#define TELEM_RING_CURSOR_BYTES(lanes) (((size_t)(lanes) + 1u) * sizeof(telem_i_ring_cursor))

/* A reader's handle. The fields are the implementation's. It points into itself: it is not copied nor
   moved after init. */
typedef struct telem_ring_reader {
    const char *at, *stop;       /* the inline functions: the next record, and the end of what is validated */
    const char *next;            /* behind the record at `at`, which is peeked at; NULL: none is */
    const char *from;            /* where the cursor is; `passed` records lie between it and at */
    uint32_t hi, low_most;       /* upper half of the stamps; largest lower half before another lane's turn */
    uint32_t most, passed, lane;
    uint32_t slot_state;
    int64_t time, last;          /* of the record at `at`, and of the one before */
    telem_atomic32 *gate_state;  /* gating: slot->state */
    telem_i_ring_word *gate;
    telem_i_ring_cursor *quick;  /* all above is for this lane's cursor */
    telem_ring *ring;
    telem_ring_reader_desc desc;
    telem_i_ring_slot *slot;     /* NULL: does not gate */
    uint32_t count;              /* cursors in use */
    uint32_t held;               /* 1 + cursor of the record that is peeked at; 0: none, or next is set */
    int64_t bound;               /* the smallest stamp among the other lanes' heads, less 1 */
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

/* The largest payload, and the data bytes of a lane (index `lanes`: of the shared lane). 0: no ring. */
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
/* Gives the lane back; what it holds stays readable. ERR_STATE while a record is open in a lane. A
   shared handle keeps no account of its open records: end them first, or with another shared handle. */
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
   as aborted, or stays counted as refused when it had been revoked. Else answers as push. ERR_STATE:
   begin was refused, or the span has ended: a span, and all copies of it, end once (a copy that
   is ended while another record has its number may go unnoticed). */
TELEM_API telem_result telem_ring_begin(telem_ring_writer *w, uint32_t stream, int64_t time,
                                        uint32_t len, telem_ring_span *span);
TELEM_API telem_result telem_ring_commit(telem_ring_writer *w, telem_ring_span *span);
TELEM_API telem_result telem_ring_abort(telem_ring_writer *w, telem_ring_span *span);
/* n bytes at `offset` of the record. ERR_LIMIT when they do not lie inside it. */
TELEM_API telem_result telem_ring_span_write(telem_ring_writer *w, telem_ring_span *span,
                                             uint32_t offset, const void *data, uint32_t n);

/* n records with one reservation: all are published by one store, or none is. NOW in several of
   them is one reading of the clock. Shared lane: n reservations, up to the first that is refused,
   with which all behind it count as refused; *done (NULL: not wanted) says how many went in.
   Answers as push; ERR_LIMIT also when more than one together take more than half of the lane. */
TELEM_API telem_result telem_ring_push_batch(telem_ring_writer *w, const telem_ring_item *items,
                                             uint32_t n, uint32_t *done);

/* As begin, and the span is in one piece (part[1] is NULL) whatever the desc says. */
TELEM_API telem_result telem_ring_begin_whole(telem_ring_writer *w, uint32_t stream, int64_t time,
                                              uint32_t len, telem_ring_span *span);

/* With a clock narrower than 64 bits: tells that its extended time is now about `ticks` (right
   within half a wrap), after a silence longer than half a wrap in this lane. Lane: its owner;
   shared: while no other thread pushes. */
TELEM_API telem_result telem_ring_sync(telem_ring_writer *w, int64_t ticks);

/* -------------------------------------------------------------------------- writing, inline ---- */

/* The same calls as above, compiled into the caller: 1 to 2 ns for a small record of constant
   size. Anything but the plain case (room in the block, stream <= 65535, a stamp whose upper half
   is that of the record before) goes to the functions. w must not be NULL, nor data when len > 0.
   They look into the handle and the lane: callers and implementation share version and options.
   Cortex-M4 -Os, 8 bytes, every slow path included: push 46 instructions, peek and release 76 (the
   functions: 90 and 103). */

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

/* A lane's entries. The low word of the head: length | stream << 16. */
#define TELEM_I_ENTRY_MOST 0xFFF0u     /* longest plain record */
#define TELEM_I_ENTRY_TIME 0xFFFDu     /* no record; the high word: upper half of the stamps from here on */
#define TELEM_I_ENTRY_PAD 0xFFFEu      /* no record; the high word: units to skip, this one included */
#define TELEM_I_ENTRY_LONG 0xFFFFu     /* a record; length and stream are in the next unit */

#if defined(__GNUC__) || defined(__clang__)
#ifdef __OPTIMIZE_SIZE__
#define TELEM_I_INLINE_FAST static
#else
#define TELEM_I_INLINE_FAST TELEM_I_INLINE
#endif
#define TELEM_I_SELDOM __attribute__((noinline)) /* keeps its registers out of the caller's short path */
#define TELEM_I_CONSTANT(n) __builtin_constant_p(n)
#else
#define TELEM_I_INLINE_FAST static
#define TELEM_I_SELDOM
#define TELEM_I_CONSTANT(n) 0
#endif

/* A pair of words in one unit. Relaxed: published by committed or by the descriptor's state. */
TELEM_I_INLINE void telem_i_pair_put(telem_i_ring_cell *p, uint32_t lo, uint32_t hi) {
#if TELEM_HAS_ATOMIC64
    TELEM_I_CELL_STORE(p, (uint64_t)hi << 32 | lo);
#else
    TELEM_I_CELL_STORE(p, lo);
    TELEM_I_CELL_STORE(p + 1, hi);
#endif
}

TELEM_I_INLINE void telem_i_pair_get(const telem_i_ring_cell *p, uint32_t *lo, uint32_t *hi) {
#if TELEM_HAS_ATOMIC64
    uint64_t v = TELEM_I_CELL_LOAD(p);
    *lo = (uint32_t)(v & UINT32_MAX);
    *hi = (uint32_t)(v >> 32);
#else
    *lo = TELEM_I_CELL_LOAD(p);
    *hi = TELEM_I_CELL_LOAD(p + 1);
#endif
}

/* Where an unaligned word cannot be loaded at once, aligned sources are told apart. */
#if defined(__GNUC__) && defined(__arm__) && !defined(__ARM_FEATURE_UNALIGNED)
#define TELEM_I_CELL_FITS(p) (((uintptr_t)(p) & (sizeof(telem_i_ring_cell) - 1u)) == 0)
#define TELEM_I_CELL_AT(p) __builtin_assume_aligned(p, sizeof(telem_i_ring_cell))
#else
#define TELEM_I_CELL_FITS(p) 1
#define TELEM_I_CELL_AT(p) (p)
#endif

#ifndef TELEM_RING_MEMCPY
/* Cell i of n bytes at p; n is a constant. */
TELEM_I_INLINE void telem_i_cell_put(telem_i_ring_cell *to, const char *p, size_t n, size_t i) {
    telem_i_ring_cell c = 0;
    if (n <= i * sizeof c) return;
    if (n - i * sizeof c >= sizeof c) memcpy(&c, TELEM_I_CELL_AT(p + i * sizeof c), sizeof c);
    else memcpy(&c, p + i * sizeof c, (n - i * sizeof c) & (sizeof c - 1u)); /* mask: g++ -O0 warns else */
    TELEM_I_CELL_STORE(to + i, c);
}
TELEM_I_INLINE void telem_i_cells_put_4(telem_i_ring_cell *to, const char *p, size_t n) {
    telem_i_cell_put(to, p, n, 0), telem_i_cell_put(to, p, n, 1u), telem_i_cell_put(to, p, n, 2u),
        telem_i_cell_put(to, p, n, 3u);
}
/* Any size, any alignment. */
static inline void telem_i_cells_put_all(telem_i_ring_cell *to, const void *src, size_t n) {
    const char *p = (const char *)src;
    const size_t word = sizeof(telem_i_ring_cell);
    telem_i_ring_cell c;
    if (TELEM_I_CELL_FITS(p)) {
        const char *stop = n ? p + (n & ~(4u * word - 1u)) : p; /* p may be NULL */
        for (; p != stop; p += 4u * word, to += 4) telem_i_cells_put_4(to, p, 4u * word);
        if (n & 2u * word) telem_i_cells_put_4(to, p, 2u * word), p += 2u * word, to += 2;
        if (n & word) telem_i_cell_put(to, p, word, 0), p += word, to++;
        n &= word - 1u;
    }
    for (; n > 0; n -= n < word ? n : word, p += word, to++) {
        c = 0;
        memcpy(&c, p, n < word ? n : word);
        TELEM_I_CELL_STORE(to, c);
    }
}
#endif
/* n bytes from src into cells that are all in one piece. */
TELEM_I_INLINE void telem_i_cells_put(telem_i_ring_cell *to, const void *src, size_t n) {
#ifdef TELEM_RING_MEMCPY
    if (n) memcpy((void *)to, src, n); /* src may be NULL */
#else
    const char *p = (const char *)src;
    const size_t four = 4u * sizeof(telem_i_ring_cell);
    if (!TELEM_I_CONSTANT(n) || n > 4u * four || !TELEM_I_CELL_FITS(p)) {
        telem_i_cells_put_all(to, src, n);
        return;
    }
    telem_i_cells_put_4(to, p, n);
    if (n > four) telem_i_cells_put_4(to + 4, p + four, n - four);
    if (n > 2u * four) telem_i_cells_put_4(to + 8, p + 2u * four, n - 2u * four);
    if (n > 3u * four) telem_i_cells_put_4(to + 12, p + 3u * four, n - 3u * four);
#endif
}

/* The same for a size that the compiler does not know: small ones without a call. */
static inline void telem_i_cells_put_any(telem_i_ring_cell *to, const void *src, size_t n) {
#ifdef TELEM_RING_MEMCPY
    const char *p = (const char *)src;
    char *q = (char *)to;
    if (n > 64u) {
        memcpy(q, p, n);
        return;
    }
    for (; n >= 8u; n -= 8u, p += 8, q += 8) memcpy(q, p, 8);
    if (n & 4u) memcpy(q, p, 4), p += 4, q += 4;
    if (n & 2u) memcpy(q, p, 2), p += 2, q += 2;
    if (n & 1u) *q = *p;
#else
    telem_i_cells_put_all(to, src, n);
#endif
}

/* Records of a lane come into sight. The lane's owner alone changes these words. */
TELEM_I_INLINE void telem_i_tip_move(telem_i_ring_tip *t, telem_i_pos units, telem_i_pos records) {
    TELEM_I_POS_SET_RELAXED(&t->count, TELEM_I_POS_RELAXED(&t->count) + records);
    TELEM_I_POS_SET_RELEASE(&t->committed, TELEM_I_POS_RELAXED(&t->committed) + units); /* E1 */
}

/* Bytes that a record takes in a lane when it is in the plain form; 0: it cannot be. */
TELEM_I_INLINE size_t telem_i_lane_plain(const telem_ring_writer *w, uint32_t stream, int64_t time,
                                         uint32_t len) {
    size_t need = 8u + (((size_t)len + 7u) & ~(size_t)7u), room = (size_t)(w->end - w->at);
    if (need > room || len > w->max_record || stream > 0xFFFFu) return 0;
    return (uint32_t)((uint64_t)time >> 32) == w->time_hi ? need : 0;
}
TELEM_I_INLINE telem_i_ring_cell *telem_i_lane_put_head(telem_ring_writer *w, uint32_t stream, int64_t time,
                                                        uint32_t len) {
    telem_i_ring_cell *to = (telem_i_ring_cell *)(void *)w->at;
    telem_i_pair_put(to, stream << 16 | len, (uint32_t)((uint64_t)time & UINT32_MAX));
    return to + TELEM_I_CELLS;
}

/* 1: the record is in; 0: it is not for the plain path. */
TELEM_I_INLINE int telem_i_lane_push_plain(telem_ring_writer *w, uint32_t stream, int64_t time,
                                           const void *data, uint32_t len) {
    size_t need = telem_i_lane_plain(w, stream, time, len);
    telem_i_ring_cell *to;
    if (need == 0) return 0;
    to = telem_i_lane_put_head(w, stream, time, len);
    telem_i_cells_put(to, data, len);
    w->at = (char *)to + (need - 8u);
    telem_i_tip_move(w->tip, (telem_i_pos)(need / 8u), 1u);
    return 1;
}

/* telem_ring_push. TELEM_RING_NOW as a constant, with telem_clock_tsc, costs the counter's reading. */
TELEM_I_INLINE telem_result telem_ring_push_inline(telem_ring_writer *w, uint32_t stream, int64_t time,
                                                  const void *data, uint32_t len) {
#if TELEM_HAS_TSC
    if (TELEM_I_CONSTANT(time) && time == TELEM_RING_NOW && w->tsc) time = (int64_t)telem_tsc();
#endif
    if (telem_i_lane_push_plain(w, stream, time, data, len)) return TELEM_OK;
    return telem_ring_push(w, stream, time, data, len);
}

TELEM_I_INLINE int telem_i_lane_begin_plain(telem_ring_writer *w, uint32_t stream, int64_t time, uint32_t len,
                                           telem_ring_span *span) {
    size_t need = telem_i_lane_plain(w, stream, time, len);
    if (need == 0) return 0;
    span->part[0] = telem_i_lane_put_head(w, stream, time, len);
    span->part[1] = NULL;
    span->size[0] = len, span->size[1] = 0;
    span->pos = TELEM_I_POS_RELAXED(&w->tip->committed) + 1u;
    w->next = span->pos + (telem_i_pos)(need / 8u) - 1u;
    w->next_hi = w->time_hi;
    span->head = 0;
    span->number = (uint32_t)((size_t)(w->end - w->at) / 8u); /* the window, for commit */
    w->end = w->at;
    w->open = 1;
    TELEM_STORE32_RELAXED(&w->tip->open, 1u); /* for stats only */
    return 1;
}
TELEM_I_INLINE int telem_i_lane_commit_plain(telem_ring_writer *w, telem_ring_span *span) {
    telem_i_pos units;
    if (!w->open || span->number == 0 || !span->part[0]) return 0;
    units = w->next - TELEM_I_POS_RELAXED(&w->tip->committed);
    span->part[0] = NULL;
    w->end = w->at + (size_t)span->number * 8u;
    w->at += (size_t)units * 8u;
    w->open = 0;
    TELEM_STORE32_RELAXED(&w->tip->open, 0);
    telem_i_tip_move(w->tip, units, 1u);
    return 1;
}
/* telem_ring_begin_whole and telem_ring_commit; between them the lane is closed to all else. */
TELEM_I_INLINE telem_result telem_ring_begin_inline(telem_ring_writer *w, uint32_t stream, int64_t time,
                                                   uint32_t len, telem_ring_span *span) {
    return telem_i_lane_begin_plain(w, stream, time, len, span)
               ? TELEM_OK
               : telem_ring_begin_whole(w, stream, time, len, span);
}
TELEM_I_INLINE telem_result telem_ring_commit_inline(telem_ring_writer *w, telem_ring_span *span) {
    return telem_i_lane_commit_plain(w, span) ? TELEM_OK : telem_ring_commit(w, span);
}

/* Fields straight into the ring, without a copy on the way (a struct that was just written and is
   copied at once costs a store-forwarding stall). Statements that fill *p, and the answer in res:

       TELEM_RING_FILL(res, &w, STREAM_IMU, now, struct imu, p, { p->ax = 1; p->ay = 2; });

   The body is not run when there is no room; it must not jump out, nor use the handle. Every byte
   should be written: the span holds what was there before. stream and time may be read twice. */
TELEM_I_INLINE void telem_i_lane_filled(telem_ring_writer *w, size_t need) {
    w->at += need;
    telem_i_tip_move(w->tip, (telem_i_pos)(need / 8u), 1u);
}
#define TELEM_RING_FILL(res, w, stream, time, type, p, ...) \
    do { \
        telem_ring_span telem_i_fill; \
        telem_ring_writer *telem_i_w = (w); \
        const uint32_t telem_i_len = (uint32_t)sizeof(type); \
        size_t telem_i_need = telem_i_lane_plain(telem_i_w, (stream), (time), telem_i_len); \
        (res) = TELEM_OK; \
        telem_i_fill.part[0] = \
            telem_i_need ? telem_i_lane_put_head(telem_i_w, (stream), (time), telem_i_len) : NULL; \
        if (!telem_i_need) \
            (res) = telem_ring_begin_whole(telem_i_w, (stream), (time), telem_i_len, &telem_i_fill); \
        if ((res) == TELEM_OK) { \
            type *p = (type *)telem_i_fill.part[0]; \
            __VA_ARGS__ \
            if (telem_i_need) telem_i_lane_filled(telem_i_w, telem_i_need); \
            else (res) = telem_ring_commit(telem_i_w, &telem_i_fill); \
        } \
    } while (0)

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
   it takes; release skips the record and counts it as lost); TELEM_AGAIN: 65536 filtered records
   in one call, or overtaken again and again: call again; ERR_CORRUPT: the ring's memory was
   overwritten by somebody. Losses never hide records: they are told by telem_ring_reader_loss. */
TELEM_API telem_result telem_ring_peek(telem_ring_reader *rd, telem_ring_record *rec);
/* Done with the record. TELEM_OK; ERR_STATE: none is held; TELEM_EXPELLED: the bytes may have
   changed under peek: discard what was made of them (the record is counted as lost). */
TELEM_API telem_result telem_ring_release(telem_ring_reader *rd);

/* peek, copy into buf, release, in one. rec->data is buf. ERR_MEMORY when len > cap: nothing is
   consumed, rec->len says what it takes. ERR_STATE while a record is peeked at. */
TELEM_API telem_result telem_ring_read(telem_ring_reader *rd, telem_ring_record *rec, void *buf, size_t cap);

/* peek and release compiled into the caller: 2 to 4 ns for the next record of the same lane, when the
   reader has no filter, and gates or has a copy buffer for many. All else goes to the functions. */
TELEM_I_INLINE int telem_i_reader_quick(telem_ring_reader *rd, telem_ring_record *rec) {
    const char *at = rd->at;
    uint32_t lo, low, len;
    if (at == rd->stop) return 0;
    telem_i_pair_get((const telem_i_ring_cell *)(const void *)at, &lo, &low);
    if (rd->gate) {
        TELEM_FENCE_ACQUIRE(); /* E5 */
        if (TELEM_LOAD32_RELAXED(rd->gate_state) != rd->slot_state) return 0;
    }
    len = lo & 0xFFFFu;
    if (len > rd->most || len + 8u > (size_t)(rd->stop - at) || low > rd->low_most) return 0;
    rec->stream = lo >> 16;
    rec->len = len;
    rec->time = rd->time = (int64_t)((uint64_t)rd->hi << 32 | low);
    rec->data = at + 8;
    rec->lane = rd->lane;
    rd->next = at + 8 + ((len + 7u) & ~7u);
    return 1;
}
/* 0: the reader was expelled. */
TELEM_I_INLINE int telem_i_reader_quick_release(telem_ring_reader *rd) {
    const char *next = rd->next;
    if (rd->gate) {
        telem_i_pos pos = rd->quick->pos + (telem_i_pos)((size_t)(next - rd->from) / 8u);
        TELEM_FENCE_ACQUIRE(); /* E5: what the caller read in place was read before the state is looked at */
        if (TELEM_LOAD32_RELAXED(rd->gate_state) != rd->slot_state) return 0;
        TELEM_I_POS_SET_RELEASE(rd->gate, pos); /* E4 */
    }
    rd->at = next;
    rd->next = NULL;
    rd->passed++;
    rd->last = rd->time;
    return 1;
}
TELEM_I_INLINE telem_result telem_ring_peek_inline(telem_ring_reader *rd, telem_ring_record *rec) {
    return telem_i_reader_quick(rd, rec) ? TELEM_OK : telem_ring_peek(rd, rec);
}
TELEM_I_INLINE telem_result telem_ring_release_inline(telem_ring_reader *rd) {
    if (rd->next && telem_i_reader_quick_release(rd)) return TELEM_OK;
    return telem_ring_release(rd);
}

/* What was lost since the last call of this. TELEM_OK, or TELEM_EMPTY: nothing (count 0). */
TELEM_API telem_result telem_ring_reader_loss(telem_ring_reader *rd, telem_ring_loss *loss);
/* The reader's account since its start; a loss that it has not come across yet is in queued. */
TELEM_API telem_result telem_ring_reader_stats(const telem_ring_reader *rd, telem_ring_reader_counts *counts);

/* ------------------------------------------------------------------------------ black box ---- */

/* What became of the records of a ring that survived its program:

       committed == saved + overwritten + half + damaged + outside

   over the ring's whole life, as far as its own words can still tell. Where they cannot, `unknown`
   says at how many places more may be missing than is counted. */
typedef struct telem_ring_account {
    uint64_t committed;   /* records whose commit had taken effect */
    uint64_t saved;       /* of them: can be read */
    uint64_t overwritten; /* made room for newer ones, as in life */
    uint64_t half;        /* lay where a lane was being written, or was about to be: perhaps half
                             overwritten */
    uint64_t damaged;     /* the words around them contradict each other */
    uint64_t outside;     /* lie beyond the bytes that there are: the copy was cut short */
    uint64_t open;        /* begun and not committed at the end: never were records */
    uint64_t refused, aborted; /* as the ring counted them */
    uint32_t lanes_lost;  /* lanes whose cursors are out of range: nothing of theirs is counted */
    uint32_t unknown;     /* damaged places that do not tell how many records they held */
} telem_ring_account;

typedef struct telem_i_image_cursor {
    telem_i_pos pos, end; /* lane: units; shared: numbers */
    telem_i_pos checked;  /* lane: from pos to here the chain of records is sound */
    telem_i_pos seq;      /* lane: number of the record at pos */
    int64_t time;         /* the head record, when has is set */
    uint32_t hi;          /* lane: upper half of the stamps from pos on */
    uint32_t len, stream, units, head, at, has;
} telem_i_image_cursor;
#define TELEM_RING_IMAGE_BYTES(lanes) (((size_t)(lanes) + 1u) * sizeof(telem_i_image_cursor))

typedef struct telem_ring_attach_desc {
    const void *bytes; /* begins with the ring, at any alignment; the caller's while the image is
                          used, and nobody writes it */
    size_t size;       /* bytes there are. Fewer than the ring had: what lies inside is saved */
    void *cursors;     /* for more than 8 lanes: 8-aligned, TELEM_RING_IMAGE_BYTES(lanes) */
    size_t cursors_size;
} telem_ring_attach_desc;

/* The bytes, and how to read them. */
typedef struct telem_i_image {
    const uint8_t *bytes;
    size_t size;
    telem_i_pos mask;   /* the bits of a cursor */
    uint32_t big, wide; /* byte order; 64-bit cursors */
    telem_i_ring_fixed f; /* the ring's head in this machine's order, checked */
} telem_i_image;

/* A ring that survived, for reading. account and clock are for the caller. */
typedef struct telem_ring_image {
    telem_ring_account account;
    telem_clock clock; /* of the stamps: frequency, width, domain, no read(); bits 0: unknown */
    telem_i_image i;   /* the rest is the implementation's */
    telem_i_image_cursor *extern_cursors;
    telem_i_image_cursor own[TELEM_RING_CURSORS];
} telem_ring_image;

/* Looks at bytes that hold a ring which nobody writes any more (a mapped file after a crash,
   .noinit RAM after a reset, a piece of a core dump or of flash), checks every word of it and
   fills im->account. Reads only; any byte order; rings of either cursor width on machines with
   64-bit cursors. Time: twice over all records, so about as long as reading them.
   TELEM_OK (also when some or all records are lost: see the account); ERR_NOT_FOUND: no ring
   begins here (memory after power-on); ERR_UNSUPPORTED: another layout version, or 64-bit cursors
   on a machine without; ERR_CORRUPT: the head contradicts itself; ERR_TRUNCATED: fewer bytes than
   a head; ERR_MEMORY: more lanes than cursors; ERR_ARG. */
TELEM_API telem_result telem_ring_attach(telem_ring_image *im, const telem_ring_attach_desc *desc);

/* The next record, oldest first, lanes merged by time as for any reader, copied into buf.
   TELEM_OK; TELEM_END: that was all (im->account.saved of them); ERR_MEMORY: nothing is consumed,
   rec->len says what it takes, at most telem_ring_image_max_record. rec->data is buf. */
TELEM_API telem_result telem_ring_image_read(telem_ring_image *im, telem_ring_record *rec, void *buf,
                                             size_t cap);
TELEM_API uint32_t telem_ring_image_max_record(const telem_ring_image *im);
/* Begins again with the oldest. */
TELEM_API void telem_ring_image_rewind(telem_ring_image *im);

/* A note: bytes that are kept in the ring's memory, so that a dump explains itself. By convention
   a stream's schema (telem_schema_encode) is the note with the stream's number. */
typedef struct telem_ring_note_info {
    uint32_t id, len;
    const void *data; /* in the ring's memory; unaligned */
} telem_ring_note_info;
/* Adds a note to the area that desc.notes_bytes made: 16 bytes and the data rounded up to 8. One
   thread at a time; a kill in the middle leaves no half note. TELEM_OK; ERR_SPACE; ERR_ARG. */
TELEM_API telem_result telem_ring_note(telem_ring *ring, uint32_t id, const void *data, uint32_t len);
/* Note `index`, in the order they were added. TELEM_OK; TELEM_END: there is none; ERR_CORRUPT: its
   bytes do not match their hash (those behind it cannot be found). */
TELEM_API telem_result telem_ring_image_note(const telem_ring_image *im, uint32_t index,
                                             telem_ring_note_info *note);

/* Takes the ring over in its place: it goes on being used, with all records that could be saved,
   for readers and writers as after init. Records that were open count as aborted, readers and
   owners of the earlier life are forgotten; of a damaged lane stays what lies behind the damage, and
   of one that a gating reader had held full, all but up to a block of the oldest (so attach and read
   first). One thread, before all others, when nobody of the earlier life is
   left. clock: as in desc; NULL: callers stamp. account: NULL or as attach says.
   As attach; ERR_ARG: alignment; ERR_MEMORY: the ring is larger than memory_size; ERR_UNSUPPORTED:
   another machine's byte order or cursors; ERR_MISMATCH: the clock has another frequency, width
   or domain than the one before. On failure memory is untouched. */
TELEM_API telem_result telem_ring_resume(telem_ring **ring, void *memory, size_t memory_size,
                                         const telem_clock *clock, telem_ring_account *account);

/* -------------------------------------------------------------------------------- triggers ---- */

typedef struct telem_ring_trigger_desc {
    uint32_t before;       /* records to keep from before it fires; 0: all that the ring holds (then
                              there is room for later ones only as these are read) */
    uint32_t after;        /* records from then on; 0: all until it is armed again */
    uint64_t before_ticks; /* only records so old at most; 0: any. Holds no less: give before, too */
    uint64_t after_ticks;  /* only records up to so much later; 0: any */
    uint64_t timeout;      /* as a gating reader's: a capture that nobody reads is given up when it
                              has refused records for so many ticks; 0: never */
    void *cursors;         /* for more than 8 lanes: as a reader's */
    size_t cursors_size;
} telem_ring_trigger_desc;

/* A trigger. The fields are the implementation's. It holds a reader: not copied nor moved after init. */
typedef struct telem_ring_trigger {
    telem_ring *ring;
    telem_ring_trigger_desc desc;
    telem_atomic32 state; /* TELEM_I_TRIGGER_x, by CAS */
    uint32_t skip;        /* oldest records still to pass over */
    uint64_t left;        /* records still to deliver; UINT64_MAX: all */
    int64_t time;         /* when it fired */
    telem_ring_reader hold;
} telem_ring_trigger;

/* Armed. The ring's policy is REFUSE (ERR_ARG else): without gating readers it overwrites like a
   flight recorder, and until the trigger fires it costs nothing. ERR_MEMORY: more than 8 lanes and
   no desc.cursors, or too few. */
TELEM_API telem_result telem_ring_trigger_init(telem_ring_trigger *t, telem_ring *ring,
                                               const telem_ring_trigger_desc *desc);
/* Fires: from now on nothing of the capture is overwritten. Records go on being taken while
   there is room, then they are refused and counted, until the capture has been read or let go.
   Any thread or ISR, also while another call of it is under way; costs a join (a few loads per
   lane, one fence) and with desc.before a walk over the anchors of the lanes (16 each, or more in
   large ones) and the descriptors of the shared one. time: for before_ticks and after_ticks.
   TELEM_OK; ERR_EXISTS: it has fired already; TELEM_FULL: the table of gating readers is;
   TELEM_AGAIN: writers were faster, eight times. */
TELEM_API telem_result telem_ring_trigger_fire(telem_ring_trigger *t, int64_t time);
/* Fires on the first record for which a predicate answers non-zero: `watch` is a reader of this
   ring whose desc.filter is the predicate; its thread calls this now and then.
   TELEM_OK: it has fired on the record that *rec tells (data is gone); TELEM_EMPTY: nothing yet;
   else as fire and telem_ring_peek. */
TELEM_API telem_result telem_ring_trigger_watch(telem_ring_trigger *t, telem_ring_reader *watch,
                                                telem_ring_record *rec);
/* The capture, oldest first: one thread. As telem_ring_read; and TELEM_EMPTY: not fired, or the
   records that are still to come have not; TELEM_END: that was all: arm it again. */
TELEM_API telem_result telem_ring_trigger_read(telem_ring_trigger *t, telem_ring_record *rec, void *buf,
                                               size_t cap);
/* Lets go of the capture: the ring overwrites again. The thread that reads. */
TELEM_API void telem_ring_trigger_arm(telem_ring_trigger *t);

/* ------------------------------------------------------------------------------ small ring ---- */

/* For one core. It lies at the start of its memory, without pointers; records follow it. */
typedef struct telem_ring_small {
    telem_atomic32 at;   /* bytes from here to where the next record begins; all before is published */
    telem_atomic32 from; /* to the oldest record that the reader has not given back */
    uint32_t end;        /* the writer's: up to here it writes without looking */
    uint32_t magic, bytes, policy, most;
    telem_atomic32 taken; /* OVERWRITE: steps that a writer moved `from` */
    uint32_t seen, next; /* the reader's: taken, and the end of the record that is peeked at (0: none) */
    int64_t time;        /* the reader's: stamp of the latest record */
    uint64_t delivered, lost, refused, aborted;
    uint32_t refused_stream, refused_first, refused_last, unused;
} telem_ring_small;

/* 1: interrupts can be masked here: telem_ring_small_push_shared, .._begin_shared and OVERWRITE exist. */
#ifdef TELEM_CRITICAL_ENTER
#define TELEM_RING_SMALL_SHARED 1
#define TELEM_I_SMALL_ENTER(s) TELEM_CRITICAL_ENTER(s)
#define TELEM_I_SMALL_EXIT(s) TELEM_CRITICAL_EXIT(s)
#else
#define TELEM_RING_SMALL_SHARED 0
#define TELEM_I_SMALL_ENTER(s) ((s) = 0)
#define TELEM_I_SMALL_EXIT(s) ((void)(s))
#endif

/* Lays an empty ring out in `memory`, 8-aligned, size at most 1 GB; what is over a multiple of 8 is
   not used. now: a stamp near the first record's. ERR_ARG; ERR_MEMORY: below 256 bytes,
   so that a push compiled into the caller fits; ERR_UNSUPPORTED: OVERWRITE without TELEM_CRITICAL_ENTER. */
TELEM_API telem_result telem_ring_small_init(telem_ring_small **ring, void *memory, size_t size,
                                             uint32_t policy, int64_t now);
/* After a reset: takes up the ring that `memory` holds, with all that was committed; open records
   count as aborted, and what was being given back or taken away may count twice. NOT_FOUND: no ring was
   there; ERR_CORRUPT: its words contradict each other (payloads, stamps and streams have no check of their
   own); ERR_UNSUPPORTED as init. Then init. */
TELEM_API telem_result telem_ring_small_attach(telem_ring_small **ring, void *memory, size_t size);

/* One record, copied. TELEM_OK; TELEM_FULL: refused and counted; ERR_LIMIT: too long; ERR_ARG: a stream
   above 65535. data may be NULL when len is 0. */
TELEM_API telem_result telem_ring_small_push(telem_ring_small *r, uint32_t stream, uint32_t time,
                                             const void *data, uint32_t len);
/* In two steps: *span gets len bytes in one piece, 8-aligned. Any number may be open. Answers as push;
   commit and abort: ERR_STATE when the span has ended. They may be called from anywhere, once. */
TELEM_API telem_result telem_ring_small_begin(telem_ring_small *r, uint32_t stream, uint32_t time,
                                              uint32_t len, void **span);
TELEM_API telem_result telem_ring_small_commit(void *span);
TELEM_API telem_result telem_ring_small_abort(void *span);
#if TELEM_RING_SMALL_SHARED
/* The same for writers that interrupt each other. */
TELEM_API telem_result telem_ring_small_push_shared(telem_ring_small *r, uint32_t stream, uint32_t time,
                                                    const void *data, uint32_t len);
TELEM_API telem_result telem_ring_small_begin_shared(telem_ring_small *r, uint32_t stream, uint32_t time,
                                                     uint32_t len, void **span);
#endif

/* The oldest record, in place; the same until release. TELEM_EMPTY: none, or it is still open. release:
   TELEM_EXPELLED (OVERWRITE): the record was overwritten meanwhile and is counted as lost: forget what
   was read; ERR_STATE: none is peeked at. rec->lane is 0. */
TELEM_API telem_result telem_ring_small_peek(telem_ring_small *r, telem_ring_record *rec);
TELEM_API telem_result telem_ring_small_release(telem_ring_small *r);

/* offered == committed + refused + aborted + open, committed == delivered + lost + queued. The reader;
   walks what is queued, with interrupts masked where that can be. bytes and expelled are 0. Either may
   be NULL. */
TELEM_API void telem_ring_small_stats(const telem_ring_small *r, telem_ring_counts *counts,
                                      telem_ring_reader_counts *reader);

/* Compiled into the caller, for a length that is a constant, up to 64. */
#define TELEM_I_SMALL_ORDER() TELEM_I_ONE_CORE_BARRIER()
#define TELEM_I_SMALL_LENGTH 0x3FFFu /* a record's first word: length, open, void, stream << 16 */
#define TELEM_I_SMALL_OPEN 0x4000u
#define TELEM_I_SMALL_VOID 0x8000u
TELEM_I_INLINE telem_i_ring_cell *telem_i_small_cell(const telem_ring_small *r, uint32_t at) {
    return (telem_i_ring_cell *)(void *)((char *)(uintptr_t)r + at);
}
TELEM_I_INLINE int telem_i_small_push_plain(telem_ring_small *r, uint32_t stream, uint32_t time,
                                            const void *data, uint32_t len) {
    uint32_t at = TELEM_LOAD32_RELAXED(&r->at), next = at + 8u + ((len + 7u) & ~7u);
    telem_i_ring_cell *to = telem_i_small_cell(r, at);
    if (next > r->end) return 0;
    telem_i_pair_put(to, stream << 16 | len, time);
    telem_i_cells_put(to + TELEM_I_CELLS, data, len);
    TELEM_I_SMALL_ORDER(); /* the reader that interrupts here sees nothing of it yet */
    TELEM_STORE32_RELAXED(&r->at, next);
    return 1;
}
TELEM_I_INLINE int telem_i_small_is_plain(uint32_t stream, uint32_t len) {
    (void)stream, (void)len; /* where the compiler knows no constants */
    return TELEM_I_CONSTANT(len) && TELEM_I_CONSTANT(stream > 0xFFFFu) && len <= 64u && stream <= 0xFFFFu;
}
TELEM_I_INLINE telem_result telem_ring_small_push_inline(telem_ring_small *r, uint32_t stream, uint32_t time,
                                                        const void *data, uint32_t len) {
    if (telem_i_small_is_plain(stream, len) && telem_i_small_push_plain(r, stream, time, data, len))
        return TELEM_OK;
    return telem_ring_small_push(r, stream, time, data, len);
}
#if TELEM_RING_SMALL_SHARED
TELEM_I_INLINE telem_result telem_ring_small_push_shared_inline(telem_ring_small *r, uint32_t stream,
                                                               uint32_t time, const void *data,
                                                               uint32_t len) {
    if (telem_i_small_is_plain(stream, len)) {
        uint32_t mask;
        int is;
        TELEM_I_SMALL_ENTER(mask);
        is = telem_i_small_push_plain(r, stream, time, data, len);
        TELEM_I_SMALL_EXIT(mask);
        if (is) return TELEM_OK;
    }
    return telem_ring_small_push_shared(r, stream, time, data, len);
}
#endif

#endif /* TELEM_RING_H */

/* ---- Stop here if you only use the API. ------------------------------------------------------ */

#if defined(TELEM_IMPLEMENTATION) && !defined(TELEM_RING_H_IMPLEMENTATION)
#define TELEM_RING_H_IMPLEMENTATION

/* >>ordering

   OWNERS. Each word has one writer, or is changed by CAS only.
     tip: committed, count, open     the lane's owner (who holds lane->owner, taken by CAS)
     lane->floor, anchors, data      the same
     slot->state                     CAS: a reader FREE -> JOINING, a writer ACTIVE -> EXPELLED;
                                     store: the reader JOINING -> ACTIVE, ACTIVE|EXPELLED -> FREE
     slot gates                      the reader; since: CAS by writers; since_gate: a hint
     shared->tail, cleared           CAS, upwards only
     shared->hint                    a hint: stored by whoever took a number, may go back
     shared->voids[n mod 16]         CAS, upwards only, before the tail moves to n: all who move it
                                     there write the same; a step is at most 15, so the entry of
                                     the tail as it is stays
     shared->top                     CAS, once
     descriptor->state and start     CAS; with 32-bit cursors start by a CAS of its own before:
                                     upwards only, all who try for the same number write the same,
                                     and one who comes late finds that the old value is gone
     span                            who reserved the number, until its commit, abort or exit
     parking[]                       CAS 0 -> PARKING by whoever moves the tail, then his alone: start,
                                     store PARKED; CAS PARKED -> 0 by the owner of the span on his way
                                     out, or by anybody when that has left

   A LANE is a ring of units of 8 bytes. Positions only grow.

       floor <= oldest record <= ... <= committed <= limit <= floor + size
       bytes in [floor, committed) are records; below floor anything may be overwritten

     Entries are as in LAYOUT. The owner raises floor by a block at a time, notes for each block where
     the first entry that starts in it (or behind) begins, how many records came before it and the
     upper half of their stamps (the anchor), writes, and publishes by committed. TIME, PAD and the
     record behind them come into sight together. A reader that finds floor above its position takes
     the anchor of the first block above floor; the difference of the numbers is its loss. An anchor
     of block b is overwritten only after floor has passed b, so the same test validates it.
     In REFUSE mode a floor above a gate means only that the owner tried; it does not write there.
     The inline functions write only into [at, end): claimed, in one block, its anchor set.

   THE SHARED LANE gives each record a number n. Its descriptor, n mod records, holds state and start;
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
     of REVOKED and ZOMBIE owners, which stand in parking[] before the tail passes. The tail moves by
     up to 15 numbers at once, but revokes only the first. voids[n mod 16] counts the numbers below
     n that carry no record, and is set before the tail reaches n.
     INVARIANTS: state changes to lap n only after n - N was retired. A number that a reader has
     passed is final. A span that anybody may still write into is in [start(tail), head) or parked.
     In REFUSE mode `cleared` stands in for the tail where writers ask what is free: it follows the
     tail when no gate lies below.

   EDGES. A line with an order cites its edge; tests/ring_mutants.sh compares these rows with the code.
   Each order weakened, one at a time, fails a scenario of model_ring.cc, or stands there in a list
   with the reason why it stays (make mutants prints both). The test named here is one of those, or in
   test_ring_forced.c, test_ring_threads.c, test_ring_attach.c.
       releases: functions | acquires: functions | what breaks without | test
     E0  ring_init ring_note i_resume_lane ring_resume | attach, later | half a ring is taken for one |
           killed_at_any_instruction_all_that_was_committed_is_read
     E1  i_tip_move | i_lane_head i_lane_newest i_trigger_trim_lane | heads, payloads, anchors | lane_lapped
     E2  i_lane_claim i_lane_push_across | i_lane_intact | a torn record is accepted | lane_lapped
     E3  i_lane_claim i_lane_push_across | i_lane_oldest | committed older than floor, an old anchor |
           lane_lapped
     E4  i_reader_gate i_reader_quick_release | i_gate_lag | a record is overwritten while it is read |
           lane_gated
     E5  i_gate_expel i_lane_claim ring_reader_init | i_gate_lag i_reader_trusted i_reader_quick
           i_reader_quick_release ring_release | what is read after the expulsion is trusted | lane_expelled
     E6  i_lane_claim i_shared_clear i_cursor_join | i_lane_claim i_shared_clear i_cursor_join | writer
           and joining reader miss each other | lane_joined
     E7  i_shared_clear | i_shared_try i_shared_quick | a write under a gate | shared_gated
     E8  i_shared_retire i_parked_take i_shared_clear | i_shared_retire
           i_shared_clear i_shared_try i_shared_quick i_shared_oldest | stale voids[], states, parking |
           shared_lapped
     E9  i_desc_change i_parked_clear i_parked_take | i_parked_take i_shared_obstacle i_shared_quick
           i_desc_state | a late store hits a new record | shared_left
     E10 i_shared_park i_shared_unpark | i_shared_park i_shared_unpark | an entry that nobody removes |
           shared_parked
     E11 i_shared_begin i_shared_begin_slow i_shared_push | i_shared_intact | a torn record is accepted |
           shared_lapped
     E12 i_desc_change i_span_head | i_desc_state i_desc_load i_desc_load_free | top, head and payload
           of a record | shared_lapped
     E13 ring_writer_deinit ring_reader_deinit i_reader_check | i_writer_take i_slot_take | cursors,
           anchors, gates of the life before | lane_handed_on
     E14 i_trigger_fire ring_trigger_arm | i_trigger_fire ring_trigger_read ring_trigger_arm | the
           trigger's fields | trigger_fires
     E15 i_count_add i_lane_commit i_shared_retire | i_count_get i_lane_count | a count
           that is 2^32 too high | counts_carry
     E16 i_gate_overdue | i_gate_overdue | a reader is expelled before its time | shared_found
     E17 i_shared_clock ring_sync | i_shared_clock | a stamp one wrap off |
           narrow_clock_is_extended_by_many_producers
     E18 i_desc_take | i_desc_start i_desc_load i_desc_load_free | one number taken twice, a span laid
           over another | shared_crowd
     E19 i_shared_park | i_shared_park i_parked_sweep i_shared_obstacle | a parked span is
           forgotten, or its start | shared_pushed_out
   E6 and E10 are store-load on both sides, by SEQ_CST fences: one of the two sees the other.

   INTERLEAVINGS, each forced by test_ring_forced.c: A stops before its i-th access, B before its j-th, C
   runs to its end, then A and B in both orders; for all i and j. (->: the next one runs)
     A, B producers that found number n free -> C fills a lap           one gets n, the other another
                                            two_producers_meet_at_one_number
     A, B move the tail from t -> C moves it a lap further, with holes  voids[] of a later lap stay
                                            two_producers_retire_one_number
     A in mid-copy -> B, C fill laps -> A copies on and commits         only its own span is hit: FULL
                                            interrupt_laps_writer_in_mid_copy
     A ends its record -> B revokes it (or a reader does)               one fate, counted once
                                            owner_commits_while_another_revokes
                                            owner_commits_while_the_reader_revokes
     A, parked for laps, leaves -> B, C step around its span            free once, forgotten once
                                            owner_leaves_while_another_steps_around
     A, B keep one parked span in mind -> C goes on, or its owner       the span stays whole
                                            two_producers_park_one_record
     parked spans all over, and a record longer than all gaps           FULL, not for ever round
                                            record_longer_than_all_gaps_is_refused
     A reader in mid-look -> B, C overwrite                             nothing torn, losses exact
                                            reader_is_lapped_in_mid_copy
                                            filtered_reader_is_lapped_in_mid_look
                                            sleeper_with_a_large_buffer_reads_inside_the_ring
     A joins and gates -> B is about to overwrite, C follows            one of them sees the other
                                            reader_joins_while_a_writer_takes_the_space
     A reader in mid-look -> B expels it; B expels early                told; not before its time
                                            reader_is_expelled_in_mid_look
                                            reader_is_not_expelled_before_its_time
     A, B claim one lane, or one gate; A, B are refused at once         two_claim_one_lane
                                            two_take_one_place_of_a_gating_reader
                                            two_producers_are_refused_at_once
     A leaves and joins again at the oldest: it sees again what the ring still holds; "in order" and
     "once" are promises to one life        reader_that_rejoins_at_the_oldest_may_see_again
   Relaxed, because: payload and headers (validated by E2, E11, or held by a gate), counts
   (statistics), hint (only a guess), the owner's loads of what he alone writes; a load in front of a
   fence, a look that decides nothing for good (a CAS or another look comes behind it). */


/* A test may start all cursors elsewhere, e.g. just below their wrap. A multiple of 2^20. */
#ifndef TELEM_I_RING_START
#define TELEM_I_RING_START 0
#endif

/* >>layout */

#ifdef TELEM_RING_NO_SHARED
#define TELEM_I_HAS_SHARED 0
#else
#define TELEM_I_HAS_SHARED 1
#endif

#define TELEM_I_RING_MAGIC 0x676E6952u /* "Ring" */
#define TELEM_I_RING_LAYOUT 2u
#define TELEM_I_RING_ENDIAN 0x01020304u
#define TELEM_I_RING_BUDGET 65536u     /* records that one call passes over at most */
#ifndef TELEM_I_RING_BLOCK_MIN
#define TELEM_I_RING_BLOCK_MIN 64u     /* bytes of a lane's block */
#endif
#define TELEM_I_RING_BLOCK_MAX 16384u  /* at most 65528 bytes: a plain record's length is 16 bits */
#ifndef TELEM_I_RING_RECORDS_MIN
#define TELEM_I_RING_RECORDS_MIN 32u
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

/* Readers and writers of a wide machine run on several cores: what one writes often stands on a
   cache line of its own. */
#if TELEM_HAS_ATOMIC64
#define TELEM_I_RING_APART(words) uint32_t TELEM_I_RING_GAP(__LINE__)[words];
#define TELEM_I_RING_GAP(line) TELEM_I_RING_GAP2(line)
#define TELEM_I_RING_GAP2(line) gap##line
#else
#define TELEM_I_RING_APART(words)
#endif

struct telem_i_ring_lane {
    telem_i_ring_tip tip;
    TELEM_I_RING_APART(10)
    telem_i_ring_word floor;     /* bytes before it may be overwritten at any time */
    telem_atomic32 owner;        /* 0: free, 1: has a writer */
    telem_atomic32 time_hi;      /* upper half of the latest committed stamp */
    telem_atomic32 count_hi;     /* narrow: upper half of count, when count was count_at */
    telem_atomic32 count_at;
    telem_i_ring_count aborted;
    telem_i_ring_refused refused;
    int64_t clock_last;          /* the writer's alone: the extended clock, from owner to owner */
    uint32_t clock_started, gap;
    TELEM_I_RING_APART(12)
};

/* For each block of a lane: the first entry that starts in it (or behind). */
typedef struct telem_i_ring_anchor {
    telem_atomic32 skip;    /* where, in units from the block's start */
    telem_atomic32 hi;      /* the upper half of stamps before it */
    telem_i_ring_word seq;  /* the number of records before it */
} telem_i_ring_anchor;

typedef struct telem_i_ring_parked {
    telem_atomic32 number; /* 0: free; else number << 2 | TELEM_I_PARKx */
    telem_atomic32 start;  /* unit where the span begins */
} telem_i_ring_parked;
#define TELEM_I_PARKED 1u  /* valid */
#define TELEM_I_PARKING 3u /* about to be */

#define TELEM_I_RING_VOIDS 16u

struct telem_i_ring_shared {
    telem_atomic32 tail;      /* numbers before it are retired */
    telem_atomic32 tail_hi;
    telem_atomic32 cleared;   /* REFUSE: numbers before it are needed by no gating reader */
    telem_atomic32 parked;    /* entries in use below, at least */
    telem_atomic32 wraps;     /* of a narrow clock, in halves */
    telem_atomic32 top;       /* 256 | the top 8 bits of the stamps; 0: no record yet */
    telem_atomic32 hint;      /* near the next free number */
    uint32_t gap;
    TELEM_I_RING_APART(8)
    telem_atomic32 voids[TELEM_I_RING_VOIDS]; /* [n mod 16]: numbers before n that carry no record; right
                                                 for n == tail */
    telem_i_ring_count aborted;
    telem_i_ring_refused refused;
    uint32_t gap2[6];
    telem_i_ring_parked parking[TELEM_RING_PARKED_MAX];
    TELEM_I_RING_APART((16u - TELEM_RING_PARKED_MAX * 2u % 16u) % 16u + 16u)
};

/* A pair: state (lap tag | bytes | state) in the low word, start (unit where the span begins) in
   the high one. Wide machines change both at once. */
struct telem_i_ring_descriptor {
#if TELEM_HAS_ATOMIC64
    telem_atomic64 both;
#else
    telem_atomic32 state;
    telem_atomic32 start; /* by CAS, upwards only */
#endif
};

/* A gating reader's row: where it stands in each lane. */
typedef struct telem_i_ring_gate {
    telem_i_ring_word pos;     /* the reader: nothing from here on may be overwritten */
    telem_atomic32 since;      /* the writers: the moment they first found it here, in quanta */
    telem_atomic32 since_gate; /* and of which position and life of the slot that was */
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

struct telem_ring {
    telem_i_ring_fixed fixed;
    telem_i_ring_count expelled;
    uint64_t stall;
    telem_clock clock; /* valid in the process that called init; not part of the layout */
};

TELEM_STATIC_ASSERT(sizeof(telem_i_ring_word) == 8, telem_i_ring_word_is_8_bytes);
TELEM_STATIC_ASSERT(sizeof(telem_i_ring_tip) == 24, telem_i_ring_tip_is_24_bytes);
TELEM_STATIC_ASSERT(sizeof(telem_i_ring_fixed) == 128, telem_i_ring_fixed_is_128_bytes);
TELEM_STATIC_ASSERT(sizeof(struct telem_ring) <= 256, telem_i_ring_fits_its_256_bytes);
TELEM_STATIC_ASSERT(sizeof(telem_i_ring_anchor) == 16, telem_i_ring_anchor_is_16_bytes);
TELEM_STATIC_ASSERT(sizeof(telem_i_ring_descriptor) == 8, telem_i_ring_descriptor_is_8_bytes);
#if TELEM_HAS_ATOMIC64
TELEM_STATIC_ASSERT(sizeof(struct telem_i_ring_lane) == 192, telem_i_ring_lane_is_3_lines);
TELEM_STATIC_ASSERT(sizeof(struct telem_i_ring_shared) % 64 == 0, telem_i_ring_shared_is_lines);
#else
TELEM_STATIC_ASSERT(sizeof(struct telem_i_ring_lane) == 104, telem_i_ring_lane_is_104_bytes);
#endif

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
    return (telem_i_ring_lane *)(void *)telem_i_ring_at(r,
                                                        r->fixed.lanes_at + (size_t)i * r->fixed.lane_stride);
}
static uint32_t telem_i_ring_blocks(const telem_ring *r) {
    return r->fixed.lane_units >> r->fixed.block_log2;
}
static telem_i_ring_anchor *telem_i_ring_anchor_at(const telem_ring *r, telem_i_ring_lane *l,
                                                   telem_i_pos block) {
    return (telem_i_ring_anchor *)(void *)((char *)l + sizeof *l) +
           (size_t)(block & (telem_i_ring_blocks(r) - 1u));
}
static telem_i_ring_cell *telem_i_ring_lane_data(const telem_ring *r, telem_i_ring_lane *l) {
    return (telem_i_ring_cell *)(void *)((char *)l + r->fixed.lane_stride - (size_t)r->fixed.lane_units * 8u);
}
static telem_i_ring_shared *telem_i_ring_shared_of(const telem_ring *r) {
    return TELEM_I_HAS_SHARED && r->fixed.shared_units
               ? (telem_i_ring_shared *)(void *)telem_i_ring_at(r, r->fixed.shared_at)
               : NULL;
}
static telem_i_ring_descriptor *telem_i_shared_desc(const telem_ring *r, telem_i_ring_shared *s, uint32_t n) {
    return (telem_i_ring_descriptor *)(void *)((char *)s + sizeof *s) +
           (size_t)(n & (r->fixed.shared_records - 1u));
}
static telem_i_ring_cell *telem_i_shared_data(const telem_ring *r, telem_i_ring_shared *s) {
    return (telem_i_ring_cell *)(void *)((char *)s + sizeof *s +
                                         telem_i_ring_align(r->fixed.shared_records *
                                                            sizeof(telem_i_ring_descriptor)));
}
static telem_i_ring_slot *telem_i_ring_slot_at(const telem_ring *r, uint32_t i) {
    return (telem_i_ring_slot *)(void *)telem_i_ring_at(r,
                                                        r->fixed.slots_at + (size_t)i * r->fixed.slot_stride);
}
static telem_i_ring_gate *telem_i_ring_gate_of(telem_i_ring_slot *s, uint32_t lane) {
    return (telem_i_ring_gate *)(void *)((char *)s + sizeof *s) + lane;
}

/* The same at unit pos of a data area. */
TELEM_I_INLINE telem_i_ring_cell *telem_i_ring_unit(telem_i_ring_cell *data, telem_i_pos mask,
                                                    telem_i_pos pos) {
    return data + (size_t)(pos & mask) * TELEM_I_CELLS;
}

/* ---- counts ---- */

/* One owner: a load and a store. Several: a read-modify-write. */
static void telem_i_count_add(telem_i_ring_count *c, int several) {
    uint32_t lo;
    if (several) {
        if (TELEM_FETCH_ADD32(&c->lo, 1u) == UINT32_MAX) (void)TELEM_FETCH_ADD32(&c->hi, 1u); /* E15 */
        return;
    }
    lo = TELEM_LOAD32_RELAXED(&c->lo) + 1u;
    TELEM_STORE32_RELAXED(&c->lo, lo);
    if (lo == 0) TELEM_STORE32_RELEASE(&c->hi, TELEM_LOAD32_RELAXED(&c->hi) + 1u); /* E15 */
}
static uint64_t telem_i_count_get(const telem_i_ring_count *c) {
    uint32_t hi = TELEM_LOAD32_ACQUIRE(&c->hi), lo = TELEM_LOAD32_RELAXED(&c->lo); /* E15: hi first */
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
static void telem_i_ring_put(telem_i_ring_cell *data, telem_i_pos mask, telem_i_pos pos, const void *src,
                             uint32_t n) {
    size_t at = (size_t)(pos & mask) * 8u, room = ((size_t)mask + 1u) * 8u - at;
    size_t head = n < room ? n : room;
    if (head) telem_i_cells_put_any(telem_i_ring_unit(data, mask, pos), src, head);
    if (n > head) telem_i_cells_put_any(data, (const char *)src + head, n - head);
}
#ifndef TELEM_RING_MEMCPY
TELEM_I_INLINE void telem_i_cell_get(const telem_i_ring_cell *from, char *p) {
    telem_i_ring_cell c = TELEM_I_CELL_LOAD(from);
    memcpy(p, &c, sizeof c);
}
#endif
static void telem_i_cells_get(const telem_i_ring_cell *from, void *dst, size_t n) {
#ifdef TELEM_RING_MEMCPY
    memcpy(dst, (const void *)from, n);
#else
    const size_t word = sizeof(telem_i_ring_cell);
    char *p = (char *)dst;
    telem_i_ring_cell c;
    for (; n >= 4u * word; n -= 4u * word, p += 4u * word, from += 4) {
        telem_i_cell_get(from, p), telem_i_cell_get(from + 1, p + word);
        telem_i_cell_get(from + 2, p + 2u * word), telem_i_cell_get(from + 3, p + 3u * word);
    }
    for (; n >= word; n -= word, p += word) telem_i_cell_get(from++, p);
    if (n == 0) return;
    c = TELEM_I_CELL_LOAD(from);
    memcpy(p, &c, n);
#endif
}
static void telem_i_ring_get(telem_i_ring_cell *data, telem_i_pos mask, telem_i_pos pos, void *dst,
                             size_t n) {
    size_t at = (size_t)(pos & mask) * 8u, room = ((size_t)mask + 1u) * 8u - at;
    size_t head = n < room ? n : room;
    if (head) telem_i_cells_get(telem_i_ring_unit(data, mask, pos), dst, head);
    if (n > head) telem_i_cells_get(data, (char *)dst + head, n - head);
}

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

static uint32_t telem_i_ring_block(uint32_t lane_bytes) {
    uint32_t block = lane_bytes / 8u;
    if (block > TELEM_I_RING_BLOCK_MAX) block = TELEM_I_RING_BLOCK_MAX;
    return block < TELEM_I_RING_BLOCK_MIN ? TELEM_I_RING_BLOCK_MIN : block;
}

static int telem_i_ring_plan_lanes(telem_i_ring_fixed *f, const telem_ring_desc *d) {
    uint32_t block;
    if (d->lanes == 0) return 1;
    if (!telem_i_ring_is_power(d->lane_bytes) || d->lane_bytes < TELEM_RING_LANE_MIN ||
        d->lane_bytes > 0x40000000u)
        return 0;
    block = telem_i_ring_block(d->lane_bytes);
    f->block_units = block / 8u;
    f->block_log2 = telem_i_ring_log2(f->block_units);
    f->lane_units = d->lane_bytes / 8u;
    f->lane_stride =
        (uint32_t)(sizeof(telem_i_ring_lane) +
                   telem_i_ring_align(d->lane_bytes / block * sizeof(telem_i_ring_anchor)) + d->lane_bytes);
    return 1;
}

static int telem_i_ring_plan_shared(telem_i_ring_fixed *f, const telem_ring_desc *d) {
    uint32_t tag_bits, lap_bits;
    if (d->shared_bytes == 0) return 1;
    if (!TELEM_I_HAS_SHARED) return 0;
    if (!telem_i_ring_is_power(d->shared_bytes) || d->shared_bytes < TELEM_RING_LANE_MIN ||
        d->shared_bytes > 0x40000000u)
        return 0;
    f->shared_units = d->shared_bytes / 8u;
    f->shared_records = d->shared_records ? d->shared_records : d->shared_bytes / 16u;
    if (!telem_i_ring_is_power(f->shared_records) || f->shared_records < TELEM_I_RING_RECORDS_MIN ||
        f->shared_records > 0x1000000u)
        return 0;
    f->records_log2 = telem_i_ring_log2(f->shared_records);
    if (!d->max_record && f->max_record > TELEM_RING_SHARED_RECORD_MAX)
        f->max_record = TELEM_RING_SHARED_RECORD_MAX;
    f->length_bits = telem_i_ring_log2(f->max_record + 16u) + 1u;
    if (f->length_bits > 21u) return 0; /* a tag needs 8 bits */
    tag_bits = 29u - f->length_bits;
    lap_bits = 32u - f->records_log2;
    f->tag_mask = (1u << (tag_bits < lap_bits ? tag_bits : lap_bits)) - 1u;
    return 1;
}

/* All sizes checked and made explicit; offsets; 0 when the desc is out of range. */
static size_t telem_i_ring_plan(telem_i_ring_fixed *f, const telem_ring_desc *d) {
    uint32_t smallest =
        d->lanes && (!d->shared_bytes || d->lane_bytes < d->shared_bytes) ? d->lane_bytes : d->shared_bytes;
    uint64_t total;
    memset(f, 0, sizeof *f);
    if (d->lanes > 65535u || d->readers > 255u || d->policy > TELEM_RING_OVERWRITE ||
        d->notes_bytes > 0x40000000u)
        return 0;
    if (d->lanes == 0 && d->shared_bytes == 0) return 0;
    f->lanes = d->lanes;
    f->policy = d->policy;
    f->contiguous = d->contiguous ? 1u : 0u;
    f->readers = d->readers ? d->readers : 4u;
    f->max_record = d->max_record ? d->max_record : smallest / 4u;
    if (!telem_i_ring_plan_lanes(f, d) || !telem_i_ring_plan_shared(f, d)) return 0;
    f->slot_stride =
        (uint32_t)telem_i_ring_align(sizeof(telem_i_ring_slot) + (f->lanes + 1u) * sizeof(telem_i_ring_gate));
    f->slots_at = 256u;
    total = f->slots_at + (uint64_t)f->slot_stride * f->readers;
    f->lanes_at = (uint32_t)total;
    total += (uint64_t)f->lane_stride * f->lanes;
    if (total > 0xF0000000u) return 0;
    f->shared_at = (uint32_t)total;
    if (f->shared_units)
        total += sizeof(telem_i_ring_shared) +
                 telem_i_ring_align(f->shared_records * sizeof(telem_i_ring_descriptor)) + d->shared_bytes;
    f->notes_at = (uint32_t)total;
    f->notes_bytes = d->notes_bytes;
    total += d->notes_bytes;
    if (total > 0xF0000000u) return 0;
    f->bytes = (uint32_t)total;
    return (size_t)total;
}

TELEM_API size_t telem_ring_bytes(const telem_ring_desc *desc) {
    telem_i_ring_fixed plan;
    return desc ? telem_i_ring_plan(&plan, desc) : 0;
}

/* The largest power of two for *size that lets the whole fit; 0 when none does. */
static void telem_i_ring_fit(telem_ring_desc *d, uint32_t *size) {
    telem_i_ring_fixed plan;
    size_t need;
    for (*size = 0x40000000u; *size >= TELEM_RING_LANE_MIN; *size /= 2u) {
        need = telem_i_ring_plan(&plan, d);
        if (need != 0 && need <= d->memory_size) return;
    }
    *size = 0;
}

static void telem_i_ring_lane_start(telem_ring *r, uint32_t i) {
    telem_i_ring_lane *l = telem_i_ring_lane_at(r, i);
    telem_i_pos start = (telem_i_pos)(TELEM_I_RING_START);
    TELEM_I_POS_SET_RELAXED(&l->floor, start); /* anchors of the start and of before it: zero */
    TELEM_I_POS_SET_RELAXED(&l->tip.committed, start);
}

static uint32_t telem_i_shared_tag(const telem_ring *r, uint32_t n);
static void telem_i_desc_set(telem_i_ring_descriptor *d, uint32_t state, uint32_t start);
#define TELEM_I_GONE 5u

static void telem_i_ring_shared_start(telem_ring *r) {
    telem_i_ring_shared *s = telem_i_ring_shared_of(r);
    uint32_t start = (uint32_t)((telem_i_pos)(TELEM_I_RING_START) & UINT32_MAX), i;
    if (!s) return;
    for (i = 0; i < r->fixed.shared_records; i++)
        telem_i_desc_set(telem_i_shared_desc(r, s, i), telem_i_shared_tag(r, start - 1u) | TELEM_I_GONE,
                         start);
    TELEM_STORE32_RELAXED(&s->hint, start);
    TELEM_STORE32_RELAXED(&s->cleared, start);
    TELEM_STORE32_RELAXED(&s->tail, start);
}

static void telem_i_word64_put(uint32_t *to, uint64_t v) {
    to[0] = (uint32_t)(v & UINT32_MAX);
    to[1] = (uint32_t)(v >> 32);
}

/* The clock goes into the ring (and its rate into the layout); how long readers wait for a record. */
static telem_result telem_i_ring_init_clock(telem_ring *plan, const telem_ring_desc *d) {
    telem_i_ring_fixed *f = &plan->fixed;
    plan->stall = d->stall ? d->stall : 1000u;
    if (d->clock && d->clock->read) {
        plan->clock = *d->clock;
        if (plan->clock.bits > 64) return TELEM_ERR_ARG;
        if (plan->clock.bits == 0) plan->clock.bits = 64;
        if (plan->clock.hz_num == 0) plan->clock.hz_num = 1000000000u;
        if (plan->clock.hz_den == 0) plan->clock.hz_den = 1;
        f->clock_bits = plan->clock.bits;
        f->clock_domain = plan->clock.domain;
        f->hz_den = plan->clock.hz_den;
        telem_i_word64_put(f->hz_num, plan->clock.hz_num);
        if (!d->stall) /* without a division */
            plan->stall = (plan->clock.hz_num >>
                           (3u + telem_i_ring_log2(f->hz_den) + !telem_i_ring_is_power(f->hz_den))) +
                          1u;
        if (f->clock_bits < 64 && plan->stall >> (f->clock_bits - 1u))
            plan->stall = (uint64_t)1 << (f->clock_bits - 1u); /* a longer wait would be lost in the wraps */
    }
    telem_i_word64_put(f->stall, plan->stall);
    return TELEM_OK;
}

/* Sizes that were left open; limits. */
static telem_result telem_i_ring_init_sizes(telem_ring_desc *d, telem_i_ring_fixed *f) {
    uint32_t smallest;
    size_t need;
    if (d->lanes && d->lane_bytes == 0) {
        telem_i_ring_fit(d, &d->lane_bytes);
        if (!d->lane_bytes) return TELEM_ERR_MEMORY;
    }
    if (!d->lanes && d->shared_bytes == 0) {
        telem_i_ring_fit(d, &d->shared_bytes);
        if (!d->shared_bytes) return TELEM_ERR_MEMORY;
    }
    smallest =
        d->lanes && (!d->shared_bytes || d->lane_bytes < d->shared_bytes) ? d->lane_bytes : d->shared_bytes;
    if (d->max_record > smallest / 4u || (d->shared_bytes && d->max_record > TELEM_RING_SHARED_RECORD_MAX))
        return TELEM_ERR_LIMIT;
    need = telem_i_ring_plan(f, d);
    if (need == 0) return TELEM_ERR_ARG;
    return need > d->memory_size ? TELEM_ERR_MEMORY : TELEM_OK;
}

TELEM_API telem_result telem_ring_init(telem_ring **ring, const telem_ring_desc *desc) {
    telem_ring_desc d;
    telem_ring plan, *r;
    telem_atomic32 *magic;
    telem_result res;
    uint32_t i;
    if (!ring || !desc || !desc->memory || ((uintptr_t)desc->memory & 7u) != 0) return TELEM_ERR_ARG;
    d = *desc;
    memset(&plan, 0, sizeof plan);
    res = telem_i_ring_init_sizes(&d, &plan.fixed);
    if (res != TELEM_OK) return res;
    res = telem_i_ring_init_clock(&plan, &d);
    if (res != TELEM_OK) return res;
    plan.fixed.layout = TELEM_I_RING_LAYOUT;
    plan.fixed.endian = TELEM_I_RING_ENDIAN;
    plan.fixed.cursor_bits = (uint32_t)sizeof(telem_i_pos) * 8u;
    r = (telem_ring *)d.memory;
    magic = (telem_atomic32 *)d.memory;
    TELEM_STORE32_RELAXED(magic, 0); /* a kill in the middle of what follows must not leave a ring */
    TELEM_FENCE_RELEASE(); /* E0 */
    memset(magic + 1, 0, plan.fixed.bytes - sizeof *magic);
    memcpy(magic + 1, (const char *)&plan + sizeof *magic, sizeof plan - sizeof *magic);
    for (i = 0; i < r->fixed.lanes; i++) telem_i_ring_lane_start(r, i);
    telem_i_ring_shared_start(r);
    TELEM_STORE32_RELEASE(magic, TELEM_I_RING_MAGIC); /* E0 */
    *ring = r;
    return TELEM_OK;
}

static int telem_i_ring_has_clock(const telem_ring *r) { return r->fixed.clock_bits != 0; }

TELEM_API uint32_t telem_ring_max_record(const telem_ring *ring) {
    return ring ? ring->fixed.max_record : 0;
}
TELEM_API uint32_t telem_ring_lane_bytes(const telem_ring *ring, uint32_t lane) {
    const telem_i_ring_fixed *f;
    if (!ring) return 0;
    f = &ring->fixed;
    return lane < f->lanes ? f->lane_units * 8u : lane == f->lanes ? f->shared_units * 8u : 0;
}

/* >>gates */

/* Where a reader stands, over all lanes: a merge drains the lane with the oldest records first, so a
   reader that is at work may not move in this one for long. Gates only go up: the same sum, looked
   at later, is the same place in each lane. */
static uint32_t telem_i_gate_sum(const telem_ring *r, telem_i_ring_slot *slot) {
    uint32_t i, sum = 0;
    for (i = 0; i <= r->fixed.lanes; i++)
        sum += (uint32_t)(TELEM_I_POS_RELAXED(&telem_i_ring_gate_of(slot, i)->pos) & UINT32_MAX);
    return sum;
}
/* Did writers find this reader at these very gates for longer than it may stay? since is set by
   CAS from what was seen: a writer that slept cannot put an old moment beside new gates. since_gate
   says which gates, and of which life of the slot; it is looked at before them, so that they are
   seen where whoever stored it saw them, or higher. */
static int telem_i_gate_overdue(const telem_ring *r, telem_i_ring_slot *slot, uint32_t state,
                                telem_i_ring_gate *g, int64_t time) {
    uint32_t limit = TELEM_LOAD32_RELAXED(&slot->limit), shift = TELEM_LOAD32_RELAXED(&slot->shift);
    uint32_t now = (uint32_t)(((uint64_t)time >> shift) & UINT32_MAX);
    uint32_t since = TELEM_LOAD32_ACQUIRE(&g->since); /* E16: before the gates: the CAS sees who was faster */
    uint32_t before, gate;
    if (limit == 0) return 0;
    before = TELEM_LOAD32_ACQUIRE(&g->since_gate); /* E16: its moment, or a later one's, is seen below */
    gate = ~(telem_i_gate_sum(r, slot) ^ (state >> 2) * 0x9E3779B1u);
    if (before == gate) {
        since = TELEM_LOAD32_RELAXED(&g->since);
        return (int32_t)(now - since) > 0 && now - since >= limit;
    }
    if (since == now || TELEM_CAS32(&g->since, &since, now)) /* E16 */
        TELEM_STORE32_RELEASE(&g->since_gate, gate); /* E16 */
    return 0;
}

static void telem_i_gate_expel(telem_ring *r, telem_i_ring_slot *slot, uint32_t state) {
    uint32_t expect = state;
    if (TELEM_CAS32(&slot->state, &expect, (state & ~3u) | TELEM_I_SLOT_EXPELLED)) /* E5 */
        telem_i_count_add(&r->expelled, 1);
}

/* The gate that lies furthest behind `end`: how far behind (0 when there is none, or none lags).
   Readers that block beyond `allowed` and are overdue are expelled on the way. */
static telem_i_pos telem_i_gate_lag(telem_ring *r, uint32_t lane, telem_i_pos end, telem_i_pos allowed,
                                    int64_t time) {
    telem_i_pos lag = 0;
    uint32_t i;
    for (i = 0; i < r->fixed.readers; i++) {
        telem_i_ring_slot *slot = telem_i_ring_slot_at(r, i);
        telem_i_ring_gate *g = telem_i_ring_gate_of(slot, lane);
        uint32_t state = TELEM_LOAD32_ACQUIRE(&slot->state); /* E5 */
        telem_i_pos pos, behind;
        if ((state & 3u) != TELEM_I_SLOT_ACTIVE) continue;
        pos = TELEM_I_POS_ACQUIRE(&g->pos); /* E4 */
        behind = lane == r->fixed.lanes ? (telem_i_pos)(telem_i_spos)(int32_t)((uint32_t)(end & UINT32_MAX) -
                                                                               (uint32_t)(pos & UINT32_MAX))
                                        : end - pos;
        if ((telem_i_spos)behind <= 0) continue;
        if (behind > allowed && telem_i_gate_overdue(r, slot, state, g, time)) {
            telem_i_gate_expel(r, slot, state);
            continue;
        }
        if (behind > lag) lag = behind;
    }
    return lag;
}

/* >>lane */

static telem_i_pos telem_i_pos_up(telem_i_pos x, telem_i_pos step) { return (x + step - 1u) & ~(step - 1u); }

/* Leave to write up to `end`, and as far beyond as is cheap. */
static telem_result telem_i_lane_claim(telem_ring_writer *w, telem_i_pos end, int64_t time) {
    telem_ring *r = w->ring;
    telem_i_pos size = w->mask + 1u, limit = telem_i_pos_up(end, r->fixed.block_units), lag = 0;
    if (r->fixed.policy == TELEM_RING_REFUSE) {
        lag = telem_i_gate_lag(r, (uint32_t)w->index, end, size, time);
        if (lag > size) return TELEM_FULL;
        if (lag && limit - end > size - lag) limit = end + (size - lag);
    }
    if ((telem_i_spos)(limit - size - w->floor) > 0) {
        w->floor = limit - size;
        TELEM_I_POS_SET_RELEASE(&w->lane->floor, w->floor); /* E2, E3 */
        if (r->fixed.policy == TELEM_RING_REFUSE) {
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

/* What a record looks like when it is put at `pos`: [TIME] [PAD] head [long head] payload. */
typedef struct telem_i_lane_form {
    telem_i_pos pos, end; /* of the whole */
    uint32_t mark, pad, head; /* units of each before the payload */
    uint32_t hi, step;    /* upper half of the stamp; how far from the one before */
} telem_i_lane_form;

static void telem_i_lane_measure(const telem_ring_writer *w, telem_i_lane_form *f, telem_i_pos pos,
                                 uint32_t hi_before, uint32_t stream, int64_t time, uint32_t len, int whole) {
    telem_i_pos room;
    uint32_t units;
    f->pos = pos;
    f->hi = (uint32_t)((uint64_t)time >> 32);
    f->mark = f->hi != hi_before;
    f->step = f->hi - hi_before;
    f->head = len > TELEM_I_ENTRY_MOST || stream > 0xFFFFu ? 2u : 1u;
    units = f->head + telem_i_ring_units(len);
    room = w->mask + 1u - ((pos + f->mark) & w->mask);
    f->pad = whole && units > room ? (uint32_t)room : 0;
    f->end = pos + f->mark + f->pad + units;
}

/* Where readers can find an entry again: the anchor of each block that starts in [pos, end). seq
   and hi: the number of records and the upper half of the stamps before pos. */
static void telem_i_lane_anchor(telem_ring_writer *w, const telem_i_lane_form *f, telem_i_pos seq,
                                uint32_t hi) {
    telem_i_pos step = w->ring->fixed.block_units, at;
    for (at = telem_i_pos_up(f->pos, step); (telem_i_spos)(f->end - at) > 0; at += step) {
        telem_i_ring_anchor *a = telem_i_ring_anchor_at(w->ring, w->lane, at >> w->ring->fixed.block_log2);
        int starts = at == f->pos;
        TELEM_STORE32_RELAXED(
            &a->skip, starts ? 0 : (uint32_t)(f->end - at)); /* ordered by E1: used only below committed */
        TELEM_STORE32_RELAXED(&a->hi, starts ? hi : f->hi);
        TELEM_I_POS_SET_RELAXED(&a->seq, starts ? seq : seq + 1u);
    }
}

/* All before the payload, whose position is returned. */
static telem_i_pos telem_i_lane_heads(telem_ring_writer *w, const telem_i_lane_form *f, uint32_t stream,
                                      int64_t time, uint32_t len) {
    telem_i_pos at = f->pos;
    uint32_t low = (uint32_t)((uint64_t)time & UINT32_MAX);
    if (f->mark) { /* the step is for who comes from a gate, between two anchors: attach */
        uint32_t step = f->step + 0x8000u < 0x10000u ? f->step << 16 : 0;
        telem_i_pair_put(telem_i_ring_unit(w->data, w->mask, at++), TELEM_I_ENTRY_TIME | step, f->hi);
    }
    if (f->pad) telem_i_pair_put(telem_i_ring_unit(w->data, w->mask, at), TELEM_I_ENTRY_PAD, f->pad);
    at += f->pad;
    if (f->head == 1u) {
        telem_i_pair_put(telem_i_ring_unit(w->data, w->mask, at), stream << 16 | len, low);
        return at + 1u;
    }
    telem_i_pair_put(telem_i_ring_unit(w->data, w->mask, at), TELEM_I_ENTRY_LONG, low);
    telem_i_pair_put(telem_i_ring_unit(w->data, w->mask, at + 1u), len, stream);
    return at + 2u;
}

/* Room for a record; all but its payload in place. */
static telem_result telem_i_lane_begin(telem_ring_writer *w, uint32_t stream, int64_t time, uint32_t len,
                                       int whole, telem_i_pos *payload) {
    telem_i_lane_form f;
    telem_i_lane_measure(w, &f, TELEM_I_POS_RELAXED(&w->tip->committed), w->time_hi, stream, time, len,
                         whole);
    if ((telem_i_spos)(w->limit - f.end) < 0 && telem_i_lane_claim(w, f.end, time) != TELEM_OK)
        return telem_i_ring_refuse(&w->lane->refused, 0, stream, time);
    telem_i_lane_anchor(w, &f, TELEM_I_POS_RELAXED(&w->tip->count), w->time_hi);
    *payload = telem_i_lane_heads(w, &f, stream, time, len);
    w->next = f.end;
    w->next_hi = f.hi;
    return TELEM_OK;
}

/* What the inline functions may use: to the end of the block, whose anchor is set. */
static void telem_i_lane_window(telem_ring_writer *w) {
    telem_i_pos pos = TELEM_I_POS_RELAXED(&w->tip->committed),
                end = telem_i_pos_up(pos, w->ring->fixed.block_units);
    if ((telem_i_spos)(w->limit - end) < 0) end = w->limit;
    if (w->time_hi == (uint32_t)((uint64_t)TELEM_RING_NOW >> 32))
        end = pos; /* plain pushes do not look for NOW */
    w->at = (char *)telem_i_ring_unit(w->data, w->mask, pos);
    w->end = w->at + (size_t)(end - pos) * 8u;
}

/* Publishes n records up to w->next. */
static void telem_i_lane_commit(telem_ring_writer *w, uint32_t n) {
    telem_i_pos units = w->next - TELEM_I_POS_RELAXED(&w->tip->committed);
    if (w->next_hi != w->time_hi) {
        w->time_hi = w->next_hi;
        TELEM_STORE32_RELAXED(&w->lane->time_hi, w->time_hi); /* for the lane's next owner */
    }
    telem_i_tip_move(w->tip, units, n);
#if !TELEM_HAS_ATOMIC64
    { /* comes by at least once a block: before the count wraps again */
        uint32_t count = TELEM_I_POS_RELAXED(&w->tip->count);
        uint32_t was = TELEM_LOAD32_RELAXED(&w->lane->count_at);
        TELEM_STORE32_RELEASE(&w->lane->count_at, count); /* E15: who sees it sees this count, or a later */
        if (count < was) { /* behind it: in mid-carry the whole is too low, never too high */
            was = TELEM_LOAD32_RELAXED(&w->lane->count_hi);
            TELEM_STORE32_RELEASE(&w->lane->count_hi, was + 1u); /* E15 */
        }
    }
#endif
    telem_i_lane_window(w);
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
    return ((n >> r->fixed.records_log2) & r->fixed.tag_mask) << (3u + r->fixed.length_bits);
}
static uint32_t telem_i_shared_length(const telem_ring *r, uint32_t state) {
    return (state >> 3) & ((1u << r->fixed.length_bits) - 1u);
}
static int telem_i_shared_is(const telem_ring *r, uint32_t state, uint32_t n) {
    return (state & (r->fixed.tag_mask << (3u + r->fixed.length_bits))) == telem_i_shared_tag(r, n);
}
static uint32_t telem_i_shared_extent(const telem_ring *r, uint32_t state) {
    return (state & TELEM_I_STATE) >= TELEM_I_ZOMBIE ? 0
                                                     : telem_i_ring_units(telem_i_shared_length(r, state));
}

/* -- descriptors: wide machines load and change state and start in one -- */

#if TELEM_HAS_ATOMIC64
static void telem_i_desc_set(telem_i_ring_descriptor *d, uint32_t state, uint32_t start) {
    TELEM_STORE64_RELAXED(&d->both, (uint64_t)start << 32 | state);
}
TELEM_I_INLINE uint32_t telem_i_desc_state(const telem_i_ring_descriptor *d) {
    return (uint32_t)(TELEM_LOAD64_ACQUIRE(&d->both) & UINT32_MAX); /* E9, E12 */
}
TELEM_I_INLINE uint32_t telem_i_desc_start(const telem_i_ring_descriptor *d) {
    return (uint32_t)(TELEM_LOAD64_ACQUIRE(&d->both) >> 32); /* E18 */
}
TELEM_I_INLINE uint32_t telem_i_desc_load(const telem_i_ring_descriptor *d, uint32_t *start) {
    uint64_t both = TELEM_LOAD64_ACQUIRE(&d->both); /* E12 */
    *start = (uint32_t)(both >> 32);
    return (uint32_t)(both & UINT32_MAX);
}
#define telem_i_desc_load_free(d, start) telem_i_desc_load(d, start)
/* From *state to fresh; on failure *state is what stands there. The span's start is `start`. */
TELEM_I_INLINE int telem_i_desc_change(telem_i_ring_descriptor *d, uint32_t *state, uint32_t start,
                                       uint32_t fresh) {
    uint64_t both = (uint64_t)start << 32 | *state;
    if (TELEM_CAS64(&d->both, &both, (uint64_t)start << 32 | fresh)) return 1; /* E9, E12 */
    *state = (uint32_t)(both & UINT32_MAX);
    return 0;
}
/* The reservation: (old, start) becomes (fresh, end). */
TELEM_I_INLINE int telem_i_desc_take(telem_i_ring_descriptor *d, uint32_t old, uint32_t start, uint32_t fresh,
                                     uint32_t end) {
    uint64_t both = (uint64_t)start << 32 | old;
    return TELEM_CAS64(&d->both, &both, (uint64_t)end << 32 | fresh); /* E18 */
}
#else
static void telem_i_desc_set(telem_i_ring_descriptor *d, uint32_t state, uint32_t start) {
    TELEM_STORE32_RELAXED(&d->state, state);
    TELEM_STORE32_RELAXED(&d->start, start);
}
TELEM_I_INLINE uint32_t telem_i_desc_state(const telem_i_ring_descriptor *d) {
    return TELEM_LOAD32_ACQUIRE(&d->state); /* E9, E12 */
}
TELEM_I_INLINE uint32_t telem_i_desc_start(const telem_i_ring_descriptor *d) {
    return TELEM_LOAD32_ACQUIRE(&d->start); /* E18 */
}
/* state first: start is that of this lap, or of a later one whose tail the caller then sees. */
TELEM_I_INLINE uint32_t telem_i_desc_load(const telem_i_ring_descriptor *d, uint32_t *start) {
    uint32_t state = TELEM_LOAD32_ACQUIRE(&d->state); /* E12 */
    *start = TELEM_LOAD32_ACQUIRE(&d->start); /* E18 */
    return state;
}
/* For the reservation start first: while the state shows the lap before, start is of that lap too,
   or this number's already. */
TELEM_I_INLINE uint32_t telem_i_desc_load_free(const telem_i_ring_descriptor *d, uint32_t *start) {
    *start = TELEM_LOAD32_ACQUIRE(&d->start); /* E18 */
    return TELEM_LOAD32_ACQUIRE(&d->state); /* E12 */
}
TELEM_I_INLINE int telem_i_desc_change(telem_i_ring_descriptor *d, uint32_t *state, uint32_t start,
                                       uint32_t fresh) {
    (void)start;
    return TELEM_CAS32(&d->state, state, fresh); /* E9, E12 */
}
TELEM_I_INLINE int telem_i_desc_take(telem_i_ring_descriptor *d, uint32_t old, uint32_t start, uint32_t fresh,
                                     uint32_t end) {
    if (start != end) (void)TELEM_CAS32(&d->start, &start, end); /* E18: all who try it write the same */
    return TELEM_CAS32(&d->state, &old, fresh); /* E18 */
}
#endif

/* -- a span's head: stream and stamp -- */

/* Units of the head of such a record. The first record of all settles the top of the stamps. */
static uint32_t telem_i_span_head(telem_i_ring_shared *s, uint32_t stream, int64_t time) {
    uint32_t own = 256u | (uint32_t)((uint64_t)time >> 56), top = TELEM_LOAD32_RELAXED(&s->top);
    if (top == 0 && TELEM_CAS32(&s->top, &top, own)) top = own; /* once; E12 shows it */
    return stream < 255u && top == own ? 1u : 2u;
}
static void telem_i_span_head_put(telem_i_ring_cell *data, telem_i_pos mask, telem_i_pos pos, uint32_t head,
                                  uint32_t stream, int64_t time) {
    uint64_t t = (uint64_t)time;
    uint32_t tag = head == 1u ? stream : 255u;
    telem_i_pair_put(telem_i_ring_unit(data, mask, pos), tag | (uint32_t)((t << 8) & 0xFFFFFF00u),
                     (uint32_t)((t >> 24) & UINT32_MAX));
    if (head == 2u) telem_i_pair_put(telem_i_ring_unit(data, mask, pos + 1u), stream, (uint32_t)(t >> 56));
}
static uint32_t telem_i_span_head_get(telem_i_ring_shared *s, telem_i_ring_cell *data, telem_i_pos mask,
                                      telem_i_pos pos, uint32_t *stream, int64_t *time) {
    uint32_t lo, hi, top = TELEM_LOAD32_RELAXED(&s->top) & 255u,
                     head = 1u; /* set before the first commit: E12 */
    telem_i_pair_get(telem_i_ring_unit(data, mask, pos), &lo, &hi);
    *stream = lo & 255u;
    if (*stream == 255u) {
        telem_i_pair_get(telem_i_ring_unit(data, mask, pos + 1u), stream, &top);
        head = 2u;
    }
    *time = (int64_t)((uint64_t)(top & 255u) << 56 | (uint64_t)hi << 24 | lo >> 8);
    return head;
}

/* -- parked producers: the spans that nobody else may write into -- */

static int telem_i_parked_alive(uint32_t state) {
    return (state & TELEM_I_STATE) == TELEM_I_REVOKED || (state & TELEM_I_STATE) == TELEM_I_ZOMBIE;
}

static void telem_i_parked_clear(telem_i_ring_shared *s, telem_i_ring_parked *p, uint32_t key) {
    uint32_t expect = key;
    if (TELEM_CAS32(&p->number, &expect, 0)) (void)TELEM_FETCH_ADD32(&s->parked, UINT32_MAX); /* E9 */
}

/* Clears entry i when its owner has left, or when a later entry has the same number: those who look
   go upwards, so it must be the last that stays. */
static void telem_i_parked_sweep(const telem_ring *r, telem_i_ring_shared *s, uint32_t i) {
    uint32_t key = TELEM_LOAD32_ACQUIRE(&s->parking[i].number), k; /* E19: its number was revoked before */
    int spare;
    if ((key & 3u) != TELEM_I_PARKED) return;
    spare = !telem_i_parked_alive(telem_i_desc_state(telem_i_shared_desc(r, s, key >> 2)));
    for (k = i + 1u; k < TELEM_RING_PARKED_MAX && !spare; k++)
        spare = TELEM_LOAD32_ACQUIRE(&s->parking[k].number) == key; /* E19 */
    if (spare) telem_i_parked_clear(s, &s->parking[i], key);
}

/* A free entry, ours alone until its number is published. NULL: all are in use. */
static telem_i_ring_parked *telem_i_parked_take(const telem_ring *r, telem_i_ring_shared *s, uint32_t key) {
    uint32_t i, round;
    for (round = 0; round < 2u; round++) {
        for (i = 0; i < TELEM_RING_PARKED_MAX; i++) {
            uint32_t was = 0, mine = (key & ~3u) | TELEM_I_PARKING;
            if (TELEM_LOAD32_RELAXED(&s->parking[i].number) != 0) continue;
            (void)TELEM_FETCH_ADD32(&s->parked, 1u); /* E8: before the entry: zero means that there is none */
            if (TELEM_CAS32(&s->parking[i].number, &was, mine)) return &s->parking[i]; /* E9 */
            (void)TELEM_FETCH_ADD32(&s->parked, UINT32_MAX); /* E9 */
        }
        for (i = 0; i < TELEM_RING_PARKED_MAX; i++) telem_i_parked_sweep(r, s, i);
    }
    return NULL;
}

/* Number k, at the tail or behind it, is REVOKED: keep its span in mind before the tail passes it.
   Two who do so at once may make an entry each, which say the same. 0: no room. */
static int telem_i_shared_park(const telem_ring *r, telem_i_ring_shared *s, uint32_t k) {
    telem_i_ring_descriptor *d = telem_i_shared_desc(r, s, k);
    telem_i_ring_parked *p;
    uint32_t key = k << 2 | TELEM_I_PARKED, start, i;
    for (i = 0; i < TELEM_RING_PARKED_MAX; i++)
        if (TELEM_LOAD32_ACQUIRE(&s->parking[i].number) == key) return 1; /* E19 */
    start = telem_i_desc_start(d); /* E18: if it is a later number's, the tail below has passed k */
    if ((int32_t)(TELEM_LOAD32_RELAXED(&s->tail) - k) > 0) return 1;
    p = telem_i_parked_take(r, s, key);
    if (!p) return 0;
    TELEM_STORE32_RELAXED(&p->start, start);
    TELEM_STORE32_RELEASE(&p->number, key); /* E19 */
    TELEM_FENCE_SEQ_CST(); /* E10: either the owner, on his way out, sees this entry, or we see him gone */
    if (!telem_i_parked_alive(telem_i_desc_state(d))) telem_i_parked_clear(s, p, key);
    return 1;
}

static void telem_i_shared_unpark(telem_i_ring_shared *s, uint32_t k) {
    uint32_t key = k << 2 | TELEM_I_PARKED, i;
    TELEM_FENCE_SEQ_CST(); /* E10 */
    for (i = 0; i < TELEM_RING_PARKED_MAX; i++)
        if (TELEM_LOAD32_RELAXED(&s->parking[i].number) == key) telem_i_parked_clear(s, &s->parking[i], key);
}

/* Units from p to the end of a parked span that [p, p + units) would touch; 0: none does. */
static uint32_t telem_i_shared_obstacle(const telem_ring *r, telem_i_ring_shared *s, uint32_t p,
                                        uint32_t units) {
    uint32_t mask = r->fixed.shared_units - 1u, i;
    if (TELEM_LOAD32_ACQUIRE(&s->parked) == 0) return 0; /* E9 */
    for (i = 0; i < TELEM_RING_PARKED_MAX; i++) {
        uint32_t key = TELEM_LOAD32_ACQUIRE(&s->parking[i].number), state, start, span; /* E9, E19 */
        if ((key & 3u) != TELEM_I_PARKED) continue;
        state = telem_i_desc_state(telem_i_shared_desc(r, s, key >> 2)); /* E9 */
        if (!telem_i_parked_alive(state)) continue;
        start = TELEM_LOAD32_RELAXED(&s->parking[i].start);
        span = telem_i_ring_units(telem_i_shared_length(r, state));
        if (((start - p) & mask) < units || ((p - start) & mask) < span) return (start + span - p) & mask;
    }
    return 0;
}

/* -- the tail: the oldest number that is still held -- */

/* Ends number n of the batch that starts at the tail; 0: it cannot be ended (now). */
TELEM_I_SELDOM static int telem_i_shared_finish(const telem_ring *r, telem_i_ring_shared *s, uint32_t n,
                                                int first, uint32_t *state) {
    telem_i_ring_descriptor *d = telem_i_shared_desc(r, s, n);
    uint32_t start;
    *state = telem_i_desc_load(d, &start);
    if (!telem_i_shared_is(r, *state, n)) return 0; /* not yet taken, or another one was faster */
    if ((*state & TELEM_I_STATE) == TELEM_I_RESERVED) {
        if (!first) return 0; /* it may live on until the room is needed */
        if (telem_i_desc_change(d, state, start, *state | TELEM_I_REVOKED)) {
            *state |= TELEM_I_REVOKED;
            telem_i_count_add(&s->refused.count, 1);
        } else if (!telem_i_shared_is(r, *state, n)) return 0;
    }
    return (*state & TELEM_I_STATE) != TELEM_I_REVOKED || telem_i_shared_park(r, s, n);
}

/* Numbers in one step of the tail: few enough that a ring stays full, many enough that a push
   seldom has to. */
static uint32_t telem_i_shared_batch(const telem_ring *r) {
    uint32_t most = r->fixed.shared_records / 8u;
    return most < 1u ? 1u : most < TELEM_I_RING_VOIDS ? most : TELEM_I_RING_VOIDS - 1u;
}

/* Moves the tail beyond t and, while that is cheap, a little further. OK also when another one
   did; FULL: a gating reader needs t, or too many producers are parked. */
static telem_result telem_i_shared_retire(telem_ring *r, telem_i_ring_shared *s, uint32_t t, int64_t time) {
    uint32_t most = telem_i_shared_batch(r), enough = r->fixed.shared_units / 16u, voids, was, k, state = 0,
             freed = 0;
    uint32_t mask = r->fixed.shared_records - 1u, lengths = (8u << r->fixed.length_bits) - 8u, want = 0;
    const telem_i_ring_descriptor *descs = telem_i_shared_desc(r, s, 0);
    telem_atomic32 *entry;
    if (r->fixed.policy == TELEM_RING_REFUSE) {
        telem_i_pos lag = telem_i_gate_lag(r, r->fixed.lanes, (telem_i_pos)t + most, most - 1u, time);
        if (lag >= most) return TELEM_FULL;
        most -= (uint32_t)lag;
    }
    voids = TELEM_LOAD32_ACQUIRE(&s->voids[t % TELEM_I_RING_VOIDS]); /* E8: a later lap's? then tail, too */
    for (k = 0; k < most && freed <= enough; k++) {
        uint32_t n = t + k;
        if (k == 0 || (n & mask) == 0) want = telem_i_shared_tag(r, n) | TELEM_I_COMMITTED;
        state = telem_i_desc_state(descs + (n & mask));
        if (((state ^ want) & ~lengths) != 0) {
            if (!telem_i_shared_finish(r, s, n, k == 0, &state)) break;
            voids += (state & TELEM_I_STATE) != TELEM_I_COMMITTED;
            if ((state & TELEM_I_STATE) >= TELEM_I_ZOMBIE) continue;
        }
        freed += ((state & lengths) + 56u) >> 6; /* bytes << 3, in units */
    }
    if (k == 0)
        return TELEM_LOAD32_RELAXED(&s->tail) == t && telem_i_shared_is(r, state, t) ? TELEM_FULL : TELEM_OK;
    entry = &s->voids[(t + k) % TELEM_I_RING_VOIDS];
    was = TELEM_LOAD32_ACQUIRE(entry); /* E8: the same */
    if (TELEM_LOAD32_RELAXED(&s->tail) != t) return TELEM_OK; /* what was read may belong to a later lap */
    if (was != voids && !TELEM_CAS32(entry, &was, voids) && was != voids) return TELEM_OK; /* E8; late */
    state = t;
    if (TELEM_CAS32(&s->tail, &state, t + k) && t + k < t) /* E8 */
        (void)TELEM_FETCH_ADD32(&s->tail_hi, 1u); /* E15 */
    return TELEM_OK;
}

/* REFUSE: the tail has moved, and readers that join from now on see that; those that joined before
   are seen here (E6). What they do not hold may be overwritten. */
static telem_result telem_i_shared_clear(telem_ring *r, telem_i_ring_shared *s, uint32_t cleared,
                                         int64_t time) {
    uint32_t tail = TELEM_LOAD32_RELAXED(&s->tail);
    TELEM_FENCE_SEQ_CST(); /* E6; E8: acquires what came with the tail */
    if (telem_i_gate_lag(r, r->fixed.lanes, (telem_i_pos)tail, 0, time)) return TELEM_FULL;
    (void)TELEM_CAS32(&s->cleared, &cleared, tail); /* E7 */
    return TELEM_OK;
}

/* More room: numbers before *held* are free to be overwritten; make it more. */
static telem_result telem_i_shared_advance(telem_ring *r, telem_i_ring_shared *s, uint32_t held,
                                           int64_t time) {
    telem_result res = TELEM_OK;
    if (r->fixed.policy != TELEM_RING_REFUSE) return telem_i_shared_retire(r, s, held, time);
    if (TELEM_LOAD32_RELAXED(&s->tail) == held) res = telem_i_shared_retire(r, s, held, time);
    return res == TELEM_OK ? telem_i_shared_clear(r, s, held, time) : res;
}

/* -- the head: the next free number -- */

/* The first number whose descriptor still shows the lap before. */
static uint32_t telem_i_shared_find(const telem_ring *r, telem_i_ring_shared *s) {
    uint32_t n = TELEM_LOAD32_RELAXED(&s->hint); /* only a guess: the descriptors decide */
    for (;;) {
        uint32_t state = telem_i_desc_state(telem_i_shared_desc(r, s, n));
        if (telem_i_shared_is(r, state, n - r->fixed.shared_records)) return n;
        if (telem_i_shared_is(r, state, n)) {
            n++;
            continue;
        }
        n = TELEM_LOAD32_RELAXED(&s->tail); /* the guess was laps old; this is one, too */
    }
}

/* What is to be put at number n, whose span starts at p: the record, or first something to step
   over: a parked span, the ring's end. Returns the new state of the descriptor. */
static uint32_t telem_i_shared_next(const telem_ring *r, telem_i_ring_shared *s, uint32_t n, uint32_t p,
                                    uint32_t old, uint32_t len, int whole) {
    uint32_t tag = telem_i_shared_tag(r, n), room, skip;
    uint32_t units = telem_i_ring_units(len), most = telem_i_ring_units(r->fixed.max_record);
    if (telem_i_parked_alive(old)) return tag | telem_i_shared_length(r, old) << 3 | TELEM_I_ZOMBIE;
    skip = telem_i_shared_obstacle(r, s, p, units);
    room = r->fixed.shared_units - (p & (r->fixed.shared_units - 1u));
    if (!skip && whole && units > room) skip = room;
    if (!skip) return tag | len << 3 | TELEM_I_RESERVED;
    if (skip > most) skip = most;
    return tag | (skip * 8u) << 3 | TELEM_I_VOID;
}

/* One attempt to take number n for len bytes. 1: the record has it (number and pos are set); 0:
   again, maybe *stepped units further; TELEM_FULL. */
static int telem_i_shared_try(telem_ring *r, telem_i_ring_shared *s, uint32_t len, int whole, int64_t time,
                              telem_ring_span *span, uint32_t *stepped) {
    uint32_t n = telem_i_shared_find(r, s), before, start, end, old, fresh, tail, oldest, units;
    telem_i_ring_descriptor *d = telem_i_shared_desc(r, s, n), *prev = telem_i_shared_desc(r, s, n - 1u);
    old = telem_i_desc_load_free(d, &start);
    before = telem_i_desc_load(prev, &end);
    end += telem_i_shared_extent(r, before);
    tail = TELEM_LOAD32_ACQUIRE(r->fixed.policy == TELEM_RING_REFUSE ? &s->cleared : &s->tail); /* E7, E8 */
    oldest = telem_i_desc_start(telem_i_shared_desc(r, s, tail));
    if (telem_i_desc_state(d) != old) return 0; /* last: while n is free, all that was read above holds */
    if (!telem_i_shared_is(r, old, n - r->fixed.shared_records) || !telem_i_shared_is(r, before, n - 1u))
        return 0;
    if ((int32_t)(tail - (n - r->fixed.shared_records)) <= 0) /* the descriptor is still held */
        return telem_i_shared_advance(r, s, tail, time) == TELEM_OK ? 0 : TELEM_FULL;
    fresh = telem_i_shared_next(r, s, n, end, old, len, whole);
    units = telem_i_shared_extent(r, fresh);
    if ((int32_t)(n - tail) > 0 &&
        end + units - oldest > r->fixed.shared_units) /* the bytes are still held */
        return telem_i_shared_advance(r, s, tail, time) == TELEM_OK ? 0 : TELEM_FULL;
    if (!telem_i_desc_take(d, old, start, fresh, end)) return 0;
    TELEM_STORE32_RELAXED(&s->hint, n + 1u);
    if ((fresh & TELEM_I_STATE) != TELEM_I_RESERVED) {
        *stepped += units;
        return 0;
    }
    span->number = n;
    span->pos = end;
    return 1;
}

/* A number that was taken. */
typedef struct telem_i_shared_place {
    telem_i_ring_descriptor *d;
    uint32_t number, start, state;
} telem_i_shared_place;

/* The attempt that goes well nearly always, in few instructions: the hint is right, nothing is
   parked, the span is in one piece. 0 says: telem_i_shared_try. -1: what stands at p->number, the
   oldest, is in the way. The head is where the descriptors' laps change, and n is the number there,
   since it is within a lap of the tail. */
TELEM_I_INLINE int telem_i_shared_quick(const telem_ring_writer *w, uint32_t len, telem_i_shared_place *p) {
    telem_i_ring_shared *s = w->shared;
    uint32_t n = TELEM_LOAD32_RELAXED(&s->hint), mask = w->desc_mask, at = n & mask, lap = w->lap,
             laps = w->laps;
    uint32_t start, end, old, before, tail, units = (len + 7u) / 8u, size = (uint32_t)w->mask + 1u;
    telem_i_ring_descriptor *descs = w->descs, *d = descs + at;
    /* state first: the guess may be newer than what this thread has seen of d */
    old = telem_i_desc_load(d, &start);
    before = telem_i_desc_load(descs + ((n - 1u) & mask), &end);
    tail = TELEM_LOAD32_ACQUIRE(w->held); /* E7, E8 */
    if (TELEM_LOAD32_ACQUIRE(&s->parked) != 0) return 0; /* E9: so old is not REVOKED, nor a ZOMBIE */
    if (((((before & laps) - (old & laps) - (at ? lap : 0)) & laps) | (before & 4u)) != 0) return 0;
    end += ((before & (lap - 1u)) + 56u) >> 6; /* behind it: its bytes, in units */
    /* are the descriptor and the bytes free? */
    if (n - tail - 1u >= mask || end + units - telem_i_desc_start(descs + (tail & mask)) > size) {
        p->number = tail;
        return n - tail - 1u <= mask && telem_i_desc_state(d) == old ? -1 : 0;
    }
    if ((end & (size - 1u)) + units > size) return 0;
#if !TELEM_HAS_ATOMIC64
    if (telem_i_desc_state(d) != old) return 0; /* last: while n is free, all that was read above holds */
#endif
    p->d = d, p->number = n, p->start = end;
    p->state = ((old + lap) & laps) | len << 3 | TELEM_I_RESERVED;
    if (!telem_i_desc_take(d, old, start, p->state, end)) return 0;
    TELEM_STORE32_RELAXED(&s->hint, n + 1u);
    return 1;
}

/* The same for a record whose head is short; room is made if need be. 0: not so. */
TELEM_I_INLINE_FAST int telem_i_shared_take(telem_ring_writer *w, uint32_t stream, int64_t time, uint32_t len,
                                            telem_i_shared_place *p) {
    int tries, res;
    if (stream >= 255u || TELEM_LOAD32_RELAXED(&w->shared->top) != (256u | (uint32_t)((uint64_t)time >> 56)))
        return 0;
    for (tries = 2; tries > 0; tries--) {
        res = telem_i_shared_quick(w, len + 8u, p);
        if (res >= 0) return res;
        if (telem_i_shared_advance(w->ring, w->shared, p->number, time) != TELEM_OK) break;
    }
    return 0;
}

/* A span of head and len bytes, its head written; pos is the payload's. */
static telem_result telem_i_shared_begin_slow(telem_ring_writer *w, uint32_t stream, int64_t time,
                                              uint32_t len, int whole, telem_ring_span *span) {
    telem_i_ring_shared *s = w->shared;
    uint32_t stepped = 0;
    int res = 0;
    span->head = telem_i_span_head(s, stream, time);
    while (res == 0 &&
           stepped <= w->ring->fixed.shared_units) /* once round: parked spans leave no gap for it */
        res = telem_i_shared_try(w->ring, s, len + span->head * 8u, whole, time, span, &stepped);
    if (res <= 0) return telem_i_ring_refuse(&s->refused, 1, stream, time);
    TELEM_FENCE_RELEASE(); /* E11: the tail has passed what the stores below overwrite */
    telem_i_span_head_put(w->data, w->mask, span->pos, span->head, stream, time); /* published by E12 */
    span->pos += span->head;
    return TELEM_OK;
}
static telem_result telem_i_shared_begin(telem_ring_writer *w, uint32_t stream, int64_t time, uint32_t len,
                                         int whole, telem_ring_span *span) {
    telem_i_shared_place at;
    if (!telem_i_shared_take(w, stream, time, len, &at))
        return telem_i_shared_begin_slow(w, stream, time, len, whole, span);
    TELEM_FENCE_RELEASE(); /* E11 */
    telem_i_span_head_put(w->data, w->mask, at.start, 1u, stream, time);
    span->number = at.number, span->head = 1u, span->pos = (telem_i_pos)at.start + 1u;
    return TELEM_OK;
}

/* The owner lets go of its record: 1: it becomes `how`; 0: it has been revoked; -1: it is not this
   span's, which has ended before (a copy of it, ended twice). */
TELEM_I_SELDOM static int telem_i_shared_end(telem_ring_writer *w, telem_ring_span *span, uint32_t how) {
    telem_i_ring_descriptor *d = telem_i_shared_desc(w->ring, w->shared, span->number);
    uint32_t start = (uint32_t)((span->pos - span->head) & UINT32_MAX), stream;
    uint32_t state =
        telem_i_shared_tag(w->ring, span->number) | (span->size[0] + span->size[1] + span->head * 8u) << 3;
    int64_t time;
    if (telem_i_desc_change(d, &state, start, state | how)) return 1; /* E12 */
    if (!telem_i_parked_alive(state)) return -1;
    (void)telem_i_span_head_get(w->shared, w->data, w->mask, span->pos - span->head, &stream,
                                &time); /* still ours alone */
    telem_i_ring_note(&w->shared->refused, stream, time);
    do {
        state = telem_i_desc_load(d, &start); /* more than once: the ring went round meanwhile */
    } while (
        !telem_i_desc_change(d, &state, start,
                             (state & ~TELEM_I_STATE) |
                                 ((state & TELEM_I_STATE) == TELEM_I_ZOMBIE ? TELEM_I_GONE : TELEM_I_VOID)));
    /* E9 */
    telem_i_shared_unpark(w->shared, span->number);
    return 0;
}

/* >>write */

TELEM_I_INLINE int telem_i_writer_is_shared(const telem_ring_writer *w) {
    return TELEM_I_HAS_SHARED && !w->lane;
}

/* A narrow clock, many producers: the number of half wraps so far is one word. It is loaded
   before the counter, so that a difference in the top bit means: the counter is ahead. */
static int64_t telem_i_shared_clock(telem_i_ring_shared *s, const telem_clock *c) {
    uint32_t halves = TELEM_LOAD32_ACQUIRE(&s->wraps), expect = halves, shift = c->bits - 1u; /* E17 */
    uint64_t mask = ((uint64_t)1 << c->bits) - 1u, raw = c->read(c->user) & mask;
    if ((halves & 1u) != (uint32_t)(raw >> shift)) {
        halves++;
        (void)TELEM_CAS32(&s->wraps, &expect, halves); /* E17 */
    }
    return (int64_t)((uint64_t)(halves >> 1) << c->bits | raw);
}

static telem_result telem_i_ring_stamp(telem_ring_writer *w, int64_t *time) {
    if (*time != TELEM_RING_NOW) return TELEM_OK;
    if (!w->clock) return TELEM_ERR_ARG;
    if (w->clock->bits == 64) *time = (int64_t)w->clock->read(w->clock->user);
    else if (telem_i_writer_is_shared(w)) *time = telem_i_shared_clock(w->shared, w->clock);
    else *time = telem_clock_extend(&w->clock_state, w->clock->read(w->clock->user));
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_sync(telem_ring_writer *w, int64_t ticks) {
    if (!w || !w->ring) return TELEM_ERR_ARG;
    if (!w->clock) return TELEM_ERR_STATE;
    if (w->clock->bits == 64) return TELEM_OK;
    if (!telem_i_writer_is_shared(w)) {
        (void)telem_clock_sync(&w->clock_state, w->clock->read(w->clock->user), ticks);
    } else {
        telem_clock_state state;
        uint32_t halves;
        telem_clock_start(&state, w->clock, 0);
        ticks = telem_clock_sync(&state, w->clock->read(w->clock->user), ticks);
        halves = (uint32_t)(((uint64_t)ticks >> (w->clock->bits - 1u)) & UINT32_MAX);
        TELEM_STORE32_RELEASE(&w->shared->wraps, halves); /* E17 */
    }
    return TELEM_OK;
}

static telem_result telem_i_writer_take(telem_ring_writer *w, uint32_t i) {
    telem_ring *r = w->ring;
    telem_i_ring_lane *l = telem_i_ring_lane_at(r, i);
    uint32_t free_lane = 0;
    if (!TELEM_CAS32(&l->owner, &free_lane, 1u)) return TELEM_ERR_EXISTS; /* E13 */
    w->lane = l;
    w->tip = &l->tip;
    w->index = (int32_t)i;
    w->data = telem_i_ring_lane_data(r, l);
    w->mask = r->fixed.lane_units - 1u;
    w->floor = TELEM_I_POS_RELAXED(&l->floor); /* ours alone, as are the next two */
    w->time_hi = TELEM_LOAD32_RELAXED(&l->time_hi);
    w->limit = TELEM_I_POS_RELAXED(&l->tip.committed); /* the first record looks for space */
    telem_i_lane_window(w);
    if (w->clock && w->clock->bits < 64) {
        telem_clock_start(&w->clock_state, w->clock, l->clock_started ? 0 : w->clock->read(w->clock->user));
        if (l->clock_started) w->clock_state.last = l->clock_last;
    }
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_writer_init(telem_ring_writer *w, telem_ring *ring, int lane) {
    uint32_t i;
    if (w) memset(w, 0, sizeof *w);
    if (!w || !ring || ring->fixed.magic != TELEM_I_RING_MAGIC) return TELEM_ERR_ARG;
    w->ring = ring;
    w->clock = telem_i_ring_has_clock(ring) ? &ring->clock : NULL;
#if TELEM_HAS_TSC
    w->tsc = w->clock && w->clock->read == telem_i_tsc_read && w->clock->bits == 64;
#endif
    w->max_record = ring->fixed.max_record;
    if (TELEM_I_HAS_SHARED && lane == TELEM_RING_SHARED && ring->fixed.shared_units) {
        w->shared = telem_i_ring_shared_of(ring);
        w->descs = telem_i_shared_desc(ring, w->shared, 0);
        w->desc_mask = ring->fixed.shared_records - 1u;
        w->lap = 8u << ring->fixed.length_bits;
        w->laps = ring->fixed.tag_mask << (3u + ring->fixed.length_bits);
        w->held = ring->fixed.policy == TELEM_RING_REFUSE ? &w->shared->cleared : &w->shared->tail;
        w->data = telem_i_shared_data(ring, w->shared);
        w->mask = ring->fixed.shared_units - 1u;
        w->index = (int32_t)ring->fixed.lanes;
        return TELEM_OK;
    }
    if (lane >= 0 && (uint32_t)lane < ring->fixed.lanes) {
        telem_result res = telem_i_writer_take(w, (uint32_t)lane);
        if (res != TELEM_OK) w->ring = NULL;
        return res;
    }
    for (i = 0; lane == TELEM_RING_CLAIM && i < ring->fixed.lanes; i++)
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

static telem_result telem_i_ring_begin(telem_ring_writer *w, uint32_t stream, int64_t time, uint32_t len,
                                       int whole, telem_ring_span *span) {
    telem_result res;
    telem_i_pos at = 0;
    if (!span) return TELEM_ERR_ARG;
    if (!w || !w->open) span->part[0] = NULL; /* when there is no record commit says so */
    if (!w || !w->ring) return TELEM_ERR_ARG;
    if (telem_i_lane_begin_plain(w, stream, time, len, span)) return TELEM_OK;
    if (len > w->max_record) return TELEM_ERR_LIMIT;
    if (w->open) return TELEM_ERR_STATE;
    res = telem_i_ring_stamp(w, &time);
    if (res != TELEM_OK) return res;
    whole |= w->ring->fixed.contiguous != 0;
    if (telem_i_writer_is_shared(w)) {
        res = telem_i_shared_begin(w, stream, time, len, whole, span);
        if (res == TELEM_OK) telem_i_ring_span_set(span, w->data, w->mask, span->pos, len);
        return res;
    }
    res = telem_i_lane_begin(w, stream, time, len, whole, &at);
    if (res != TELEM_OK) return res;
    w->open = 1;
    w->end = w->at; /* closed to the inline functions */
    TELEM_STORE32_RELAXED(&w->tip->open, 1u); /* for stats only */
    telem_i_ring_span_set(span, w->data, w->mask, at, len);
    span->number = span->head = 0;
    return TELEM_OK;
}
TELEM_API telem_result telem_ring_begin(telem_ring_writer *w, uint32_t stream, int64_t time, uint32_t len,
                                        telem_ring_span *span) {
    return telem_i_ring_begin(w, stream, time, len, 0, span);
}
TELEM_API telem_result telem_ring_begin_whole(telem_ring_writer *w, uint32_t stream, int64_t time,
                                              uint32_t len, telem_ring_span *span) {
    return telem_i_ring_begin(w, stream, time, len, 1, span);
}

static telem_result telem_i_shared_ended(int how) {
    return how > 0 ? TELEM_OK : how == 0 ? TELEM_FULL : TELEM_ERR_STATE;
}

TELEM_API telem_result telem_ring_commit(telem_ring_writer *w, telem_ring_span *span) {
    if (!w || !w->ring || !span) return TELEM_ERR_ARG;
    if (telem_i_lane_commit_plain(w, span)) return TELEM_OK;
    if (!span->part[0] || (w->lane && !w->open)) return TELEM_ERR_STATE;
    span->part[0] = NULL; /* a span ends once */
    if (telem_i_writer_is_shared(w))
        return telem_i_shared_ended(telem_i_shared_end(w, span, TELEM_I_COMMITTED));
    w->open = 0;
    TELEM_STORE32_RELAXED(&w->tip->open, 0);
    telem_i_lane_commit(w, 1u);
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_abort(telem_ring_writer *w, telem_ring_span *span) {
    if (!w || !w->ring || !span) return TELEM_ERR_ARG;
    if (!span->part[0] || (w->lane && !w->open)) return TELEM_ERR_STATE;
    span->part[0] = NULL;
    if (telem_i_writer_is_shared(w)) {
        int ended = telem_i_shared_end(w, span, TELEM_I_VOID);
        if (ended > 0) telem_i_count_add(&w->shared->aborted, 1);
        return ended < 0 ? TELEM_ERR_STATE : TELEM_OK;
    }
    w->open = 0;
    TELEM_STORE32_RELAXED(&w->tip->open, 0);
    telem_i_count_add(&w->lane->aborted, 0);
    telem_i_lane_window(w);
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_span_write(telem_ring_writer *w, telem_ring_span *span, uint32_t offset,
                                             const void *data, uint32_t n) {
    uint32_t len;
    if (!w || !w->ring || !span || (!data && n)) return TELEM_ERR_ARG;
    if (!span->part[0]) return TELEM_ERR_STATE;
    len = span->size[0] + span->size[1];
    if (offset > len || n > len - offset) return TELEM_ERR_LIMIT;
    if (offset % 8u == 0 && (offset + n == len || n % sizeof(telem_i_ring_cell) == 0))
        telem_i_ring_put(w->data, w->mask, span->pos + offset / 8u, data, n);
    else telem_i_ring_patch(w->data, w->mask, span->pos, offset, data, n);
    return TELEM_OK;
}

static telem_result telem_i_ring_check(const telem_ring_writer *w, const void *data, uint32_t len) {
    if (!w || !w->ring || (!data && len)) return TELEM_ERR_ARG;
    if (len > w->max_record) return TELEM_ERR_LIMIT;
    return w->open ? TELEM_ERR_STATE : TELEM_OK;
}

TELEM_I_SELDOM static telem_result telem_i_shared_push_slow(telem_ring_writer *w, uint32_t stream,
                                                            int64_t time, const void *data, uint32_t len) {
    telem_ring_span span;
    telem_result res = telem_i_shared_begin_slow(w, stream, time, len, w->ring->fixed.contiguous != 0, &span);
    if (res != TELEM_OK) return res;
    span.size[0] = len;
    span.size[1] = 0;
    telem_i_ring_put(w->data, w->mask, span.pos, data, len);
    return telem_i_shared_end(w, &span, TELEM_I_COMMITTED) > 0 ? TELEM_OK : TELEM_FULL;
}

/* begin, write and commit in one, when all goes well; each step as in the functions of its name. */
static telem_result telem_i_shared_push(telem_ring_writer *w, uint32_t stream, int64_t time, const void *data,
                                        uint32_t len) {
    telem_i_shared_place at;
    telem_ring_span span;
    telem_i_ring_cell *to;
    uint32_t done;
    if (!telem_i_shared_take(w, stream, time, len, &at))
        return telem_i_shared_push_slow(w, stream, time, data, len);
    TELEM_FENCE_RELEASE(); /* E11: the tail has passed what the stores below overwrite */
    to = telem_i_ring_unit(w->data, w->mask, at.start);
    telem_i_pair_put(to, stream | (uint32_t)(((uint64_t)time << 8) & 0xFFFFFF00u),
                     (uint32_t)(((uint64_t)time >> 24) & UINT32_MAX));
    telem_i_cells_put_any(to + TELEM_I_CELLS, data, len);
    done = at.state | TELEM_I_COMMITTED;
    if (telem_i_desc_change(at.d, &at.state, at.start, done)) return TELEM_OK; /* E12 */
    span.number = at.number, span.pos = (telem_i_pos)at.start + 1u, span.head = 1u, span.size[0] = len,
    span.size[1] = 0;
    return telem_i_shared_end(w, &span, TELEM_I_COMMITTED) > 0 ? TELEM_OK : TELEM_FULL;
}

/* telem_i_lane_push_plain for a size that the compiler does not know. */
TELEM_I_INLINE int telem_i_lane_push_any(telem_ring_writer *w, uint32_t stream, int64_t time,
                                         const void *data, uint32_t len) {
    size_t need = telem_i_lane_plain(w, stream, time, len);
    if (need == 0) return 0;
    telem_i_cells_put_any(telem_i_lane_put_head(w, stream, time, len), data, len);
    telem_i_lane_filled(w, need);
    return 1;
}

/* A plain record that reaches into the next block of a ring that overwrites: begin, write and commit
   in few instructions. Claim, anchor and window are those of the functions of these names. 0: not so. */
static int telem_i_lane_push_across(telem_ring_writer *w, uint32_t stream, int64_t time, const void *data,
                                    uint32_t len) {
    const telem_i_ring_fixed *f = &w->ring->fixed;
    telem_i_pos step = f->block_units, size = w->mask + 1u, pos = TELEM_I_POS_RELAXED(&w->tip->committed), at,
                end, seq;
    uint32_t units = 1u + telem_i_ring_units(len);
    telem_i_ring_cell *to = telem_i_ring_unit(w->data, w->mask, pos);
    telem_i_ring_anchor *a;
    if (f->policy != TELEM_RING_OVERWRITE || units > step || stream > 0xFFFFu ||
        (uint32_t)((uint64_t)time >> 32) != w->time_hi)
        return 0;
    if ((pos & w->mask) + units > size) return 0; /* wraps */
    at = telem_i_pos_up(pos, step);
    end = pos + units;
    if ((telem_i_spos)(end - at) <= 0) return 0; /* in this block, after all */
    if ((telem_i_spos)(w->limit - (at + step)) < 0) w->limit = at + step;
    if ((telem_i_spos)(w->limit - size - w->floor) >
        0) { /* an aborted record may have claimed more, here or before */
        w->floor = w->limit - size;
        TELEM_I_POS_SET_RELEASE(&w->lane->floor, w->floor); /* E2, E3 */
        TELEM_FENCE_RELEASE(); /* E2: floor raised before any byte changes */
    }
    a = telem_i_ring_anchor_at(w->ring, w->lane, at >> f->block_log2);
    seq = TELEM_I_POS_RELAXED(&w->tip->count);
    TELEM_STORE32_RELAXED(&a->skip, at == pos ? 0 : (uint32_t)(end - at)); /* ordered by E1 */
    TELEM_STORE32_RELAXED(&a->hi, w->time_hi);
    TELEM_I_POS_SET_RELAXED(&a->seq, at == pos ? seq : seq + 1u);
    telem_i_pair_put(to, stream << 16 | len, (uint32_t)((uint64_t)time & UINT32_MAX));
    telem_i_cells_put_any(to + TELEM_I_CELLS, data, len);
    w->next = end;
    w->next_hi = w->time_hi;
    telem_i_lane_commit(w, 1u);
    return 1;
}

TELEM_I_SELDOM static telem_result telem_i_ring_push_slow(telem_ring_writer *w, uint32_t stream, int64_t time,
                                                          const void *data, uint32_t len) {
    telem_i_pos at = 0;
    telem_result res;
    if (!w->ring) return TELEM_ERR_ARG;
    if (len > w->max_record) return TELEM_ERR_LIMIT;
    if (w->open) return TELEM_ERR_STATE;
    if (time == TELEM_RING_NOW) {
        res = telem_i_ring_stamp(w, &time);
        if (res != TELEM_OK) return res;
        if (w->lane && telem_i_lane_push_any(w, stream, time, data, len)) return TELEM_OK;
    }
    if (telem_i_writer_is_shared(w)) return telem_i_shared_push(w, stream, time, data, len);
    if (telem_i_lane_push_across(w, stream, time, data, len)) return TELEM_OK;
    res = telem_i_lane_begin(w, stream, time, len, w->ring->fixed.contiguous != 0, &at);
    if (res != TELEM_OK) return res;
    telem_i_ring_put(w->data, w->mask, at, data, len);
    telem_i_lane_commit(w, 1u);
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_push(telem_ring_writer *w, uint32_t stream, int64_t time, const void *data,
                                       uint32_t len) {
    if (!w || (!data && len)) return TELEM_ERR_ARG;
    if (w->lane ? telem_i_lane_push_any(w, stream, time, data, len) : 0) return TELEM_OK;
    if (TELEM_I_HAS_SHARED && w->shared && len <= w->max_record && time != TELEM_RING_NOW)
        return telem_i_shared_push(w, stream, time, data, len);
    return telem_i_ring_push_slow(w, stream, time, data, len);
}

/* -- batches -- */

/* All of them plain and in what is claimed: written one after the other, published at once. 0: not so. */
static int telem_i_lane_push_row(telem_ring_writer *w, const telem_ring_item *items, uint32_t n,
                                 int64_t now) {
    char *at = w->at;
    const telem_ring_item *it, *stop = items + n;
    for (it = items; it != stop; it++) {
        size_t need = telem_i_lane_plain(w, it->stream, it->time == TELEM_RING_NOW ? now : it->time, it->len);
        if (need == 0 || (!it->data && it->len)) break;
        w->at += need;
    }
    w->at = at;
    if (it != stop) return 0;
    for (it = items; it != stop; it++) {
        telem_i_ring_cell *to =
            telem_i_lane_put_head(w, it->stream, it->time == TELEM_RING_NOW ? now : it->time, it->len);
        telem_i_cells_put_any(to, it->data, it->len);
        w->at = (char *)to + (((size_t)it->len + 7u) & ~(size_t)7u);
    }
    telem_i_tip_move(w->tip, (telem_i_pos)((size_t)(w->at - at) / 8u), n);
    return 1;
}

/* Where a batch ends that starts here; 0 bytes too many: an error. */
static telem_result telem_i_lane_measure_all(const telem_ring_writer *w, const telem_ring_item *items,
                                             uint32_t n, int64_t now, telem_i_pos *end) {
    telem_i_lane_form f;
    telem_i_pos start = TELEM_I_POS_RELAXED(&w->tip->committed);
    uint32_t i;
    f.end = start, f.hi = w->time_hi;
    for (i = 0; i < n; i++) {
        telem_result res = telem_i_ring_check(w, items[i].data, items[i].len);
        if (res != TELEM_OK) return res;
        telem_i_lane_measure(w, &f, f.end, f.hi, items[i].stream,
                             items[i].time == TELEM_RING_NOW ? now : items[i].time, items[i].len,
                             w->ring->fixed.contiguous != 0);
        if (n > 1u && f.end - start > (w->mask + 1u) / 2u) return TELEM_ERR_LIMIT;
    }
    *end = f.end;
    return TELEM_OK;
}

static telem_result telem_i_lane_push_all(telem_ring_writer *w, const telem_ring_item *items, uint32_t n,
                                          int64_t now) {
    telem_i_lane_form f;
    telem_i_pos end = 0, seq = TELEM_I_POS_RELAXED(&w->tip->count), at;
    uint32_t i, hi = w->time_hi;
    telem_result res = telem_i_lane_measure_all(w, items, n, now, &end);
    if (res != TELEM_OK) return res;
    if ((telem_i_spos)(w->limit - end) < 0 &&
        telem_i_lane_claim(w, end, items[0].time == TELEM_RING_NOW ? now : items[0].time) != TELEM_OK) {
        for (i = 0; i < n; i++)
            res = telem_i_ring_refuse(&w->lane->refused, 0, items[i].stream,
                                      items[i].time == TELEM_RING_NOW ? now : items[i].time);
        return res;
    }
    f.end = TELEM_I_POS_RELAXED(&w->tip->committed);
    for (i = 0; i < n; i++, hi = f.hi) {
        int64_t time = items[i].time == TELEM_RING_NOW ? now : items[i].time;
        telem_i_lane_measure(w, &f, f.end, hi, items[i].stream, time, items[i].len,
                             w->ring->fixed.contiguous != 0);
        telem_i_lane_anchor(w, &f, seq + i, hi);
        at = telem_i_lane_heads(w, &f, items[i].stream, time, items[i].len);
        telem_i_ring_put(w->data, w->mask, at, items[i].data, items[i].len);
    }
    w->next = f.end;
    w->next_hi = hi;
    telem_i_lane_commit(w, n);
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_push_batch(telem_ring_writer *w, const telem_ring_item *items, uint32_t n,
                                             uint32_t *done) {
    int64_t now = TELEM_RING_NOW;
    uint32_t i;
    telem_result res = TELEM_OK;
    if (done) *done = 0;
    if (!w || !w->ring || (!items && n)) return TELEM_ERR_ARG;
    if (w->open) return TELEM_ERR_STATE;
    for (i = 0; i < n && items[i].time != TELEM_RING_NOW; i++) {}
    if (i < n) res = telem_i_ring_stamp(w, &now);
    if (res != TELEM_OK || n == 0) return res;
    if (!telem_i_writer_is_shared(w)) {
        if (!telem_i_lane_push_row(w, items, n, now)) res = telem_i_lane_push_all(w, items, n, now);
        if (done && res == TELEM_OK) *done = n;
        return res;
    }
    for (i = 0; i < n && res == TELEM_OK; i++) {
        const telem_ring_item *it = &items[i];
        res = telem_i_ring_check(w, it->data, it->len);
        if (res == TELEM_OK)
            res = telem_i_shared_push(w, it->stream, it->time == TELEM_RING_NOW ? now : it->time, it->data,
                                      it->len);
        if (done && res == TELEM_OK) *done = i + 1u;
    }
    for (; res == TELEM_FULL && i < n; i++) /* the first has been counted */
        (void)telem_i_ring_refuse(&w->shared->refused, 1, items[i].stream,
                                  items[i].time == TELEM_RING_NOW ? now : items[i].time);
    return res;
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
static int telem_i_reader_is_shared(const telem_ring_reader *rd, uint32_t i) {
    return TELEM_I_HAS_SHARED && i == rd->ring->fixed.lanes;
}

static void telem_i_reader_gate(telem_ring_reader *rd, uint32_t i, telem_i_pos pos) {
    if (rd->slot) TELEM_I_POS_SET_RELEASE(&telem_i_ring_gate_of(rd->slot, i)->pos, pos); /* E4 */
}

static void telem_i_reader_lost(telem_ring_reader *rd, telem_i_ring_cursor *c, uint64_t n) {
    c->has = 0;
    if (n == 0) return;
    if (rd->loss.count == 0)
        rd->loss.first = INT64_MIN, rd->loss.last = INT64_MAX, rd->loss.stream = TELEM_RING_MANY;
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

/* An entry of a lane: where, the records before it, the upper half of the stamps before it. */
typedef struct telem_i_lane_place {
    telem_i_pos pos, seq;
    uint32_t hi;
} telem_i_lane_place;

/* Is what was read from `pos` on still what was committed there? */
static int telem_i_lane_intact(const telem_i_ring_lane *l, telem_i_pos pos) {
    TELEM_FENCE_ACQUIRE(); /* E2: a byte of a later lap seen above means its floor is seen below */
    return (telem_i_spos)(TELEM_I_POS_RELAXED(&l->floor) - pos) <= 0;
}

/* An entry that is safe at the moment: the first in or behind block `b`, whose anchor the caller has
   in sight by E1 or E3. */
static int telem_i_lane_boundary(const telem_ring *r, telem_i_ring_lane *l, telem_i_pos b,
                                 telem_i_lane_place *p) {
    telem_i_ring_anchor *a = telem_i_ring_anchor_at(r, l, b);
    telem_i_pos end = TELEM_I_POS_RELAXED(&l->tip.committed), start = b * r->fixed.block_units;
    if ((telem_i_spos)(end - start) < 0) return 0;
    p->pos = start + TELEM_LOAD32_RELAXED(&a->skip);
    p->seq = TELEM_I_POS_RELAXED(&a->seq);
    p->hi = TELEM_LOAD32_RELAXED(&a->hi);
    return telem_i_lane_intact(l, start) && (telem_i_spos)(end - p->pos) >= 0;
}

static int telem_i_lane_oldest(const telem_ring *r, telem_i_ring_lane *l, telem_i_lane_place *p) {
    telem_i_pos floor = TELEM_I_POS_ACQUIRE(&l->floor); /* E3 */
    return telem_i_lane_boundary(r, l, telem_i_pos_up(floor, r->fixed.block_units) >> r->fixed.block_log2, p);
}

#define TELEM_I_SEEN_TORN 0   /* overtaken: what was read is void */
#define TELEM_I_SEEN_RECORD 1
#define TELEM_I_SEEN_OTHER 2  /* TIME or PAD */
#define TELEM_I_SEEN_BAD 3    /* no writer leaves such a thing */
#define TELEM_I_SEEN_CUT 4    /* its second unit is not in the window */

typedef struct telem_i_lane_entry {
    uint32_t what;
    uint32_t len, stream, head; /* a record: bytes, and units before the payload */
    uint32_t hi;                /* low half of the stamp; of a TIME entry: the new upper half */
    telem_i_pos units;          /* of the whole */
    int time;                   /* is a TIME entry */
} telem_i_lane_entry;

/* The entry whose first unit is at p, and, if it needs one and has it, the second at q. */
static void telem_i_lane_parse(const telem_ring *r, const telem_i_ring_cell *p, const telem_i_ring_cell *q,
                               telem_i_lane_entry *e) {
    uint32_t lo;
    telem_i_pair_get(p, &lo, &e->hi);
    e->len = lo & 0xFFFFu, e->stream = lo >> 16, e->head = 1u, e->units = 1u, e->what = TELEM_I_SEEN_OTHER;
    e->time = e->len == TELEM_I_ENTRY_TIME;
    if (e->time) return;
    if (e->len == TELEM_I_ENTRY_PAD) {
        e->units = e->hi;
        if (e->hi == 0) e->what = TELEM_I_SEEN_BAD;
        return;
    }
    e->what = TELEM_I_SEEN_CUT;
    if (e->len == TELEM_I_ENTRY_LONG) {
        if (!q) return;
        e->head = 2u;
        telem_i_pair_get(q, &e->len, &e->stream);
    }
    e->what = e->len > r->fixed.max_record ? TELEM_I_SEEN_BAD : TELEM_I_SEEN_RECORD;
    e->units = e->head + telem_i_ring_units(e->len);
}

/* The same at unit pos of the ring itself, where writers may be at work. */
static void telem_i_lane_parse_ring(const telem_ring_reader *rd, telem_i_ring_lane *l, telem_i_pos pos,
                                    telem_i_lane_entry *e) {
    telem_i_ring_cell *data = telem_i_ring_lane_data(rd->ring, l);
    telem_i_pos mask = rd->ring->fixed.lane_units - 1u;
    telem_i_lane_parse(rd->ring, telem_i_ring_unit(data, mask, pos), telem_i_ring_unit(data, mask, pos + 1u),
                       e);
    if (!telem_i_reader_trusted(rd) && !telem_i_lane_intact(l, pos)) e->what = TELEM_I_SEEN_TORN;
}

static int telem_i_lane_newest(const telem_ring_reader *rd, telem_i_ring_lane *l, telem_i_lane_place *p) {
    const telem_ring *r = rd->ring;
    telem_i_pos end = TELEM_I_POS_ACQUIRE(&l->tip.committed); /* E1 */
    if (!telem_i_lane_boundary(r, l, (end - 1u) >> r->fixed.block_log2, p) && !telem_i_lane_oldest(r, l, p))
        return 0;
    while ((telem_i_spos)(end - p->pos) > 0) { /* at most a block and a record of them */
        telem_i_lane_entry e;
        telem_i_lane_parse_ring(rd, l, p->pos, &e);
        if ((e.what != TELEM_I_SEEN_RECORD && e.what != TELEM_I_SEEN_OTHER) || e.units > end - p->pos)
            return 0;
        p->pos += e.units;
        p->seq += e.what == TELEM_I_SEEN_RECORD;
        if (e.time) p->hi = e.hi;
    }
    return 1;
}

static void telem_i_cursor_place(telem_i_ring_cursor *c, const telem_i_lane_place *p) {
    c->pos = c->seen = p->pos;
    c->hi = p->hi;
    c->at = c->stop = NULL;
}

/* Overtaken: go on with the oldest record that is whole, and count what lies between. */
static telem_result telem_i_lane_resync(telem_ring_reader *rd, telem_i_ring_cursor *c, telem_i_ring_lane *l) {
    telem_i_lane_place p;
    telem_i_pos missed;
    int tries = 8;
    while (!telem_i_lane_oldest(rd->ring, l, &p))
        if (--tries == 0) return TELEM_AGAIN;
    if ((telem_i_spos)(p.pos - c->pos) < 0) return TELEM_OK; /* it was not behind after all */
    missed = p.seq - (telem_i_pos)c->seq;
    telem_i_cursor_place(c, &p);
    c->seq += missed;
    telem_i_reader_lost(rd, c, missed);
    return TELEM_OK;
}

/* Bytes from c->pos on that nobody changes any more: the ring itself under a gate, else a copy, as
   much as the chunk takes, checked once for all. 0: overtaken. */
static int telem_i_lane_window_get(telem_ring_reader *rd, telem_i_ring_lane *l, telem_i_ring_cursor *c) {
    const telem_ring *r = rd->ring;
    telem_i_ring_cell *data = telem_i_ring_lane_data(r, l);
    telem_i_pos mask = r->fixed.lane_units - 1u, n = c->seen - c->pos;
    if (rd->slot) {
        telem_i_pos room = mask + 1u - (c->pos & mask);
        c->at = (const char *)telem_i_ring_unit(data, mask, c->pos);
        c->stop = c->at + (size_t)(n < room ? n : room) * 8u;
        return 1;
    }
    if (n > mask + 1u) return 0; /* asleep for more than a lap */
    if (n > c->chunk_size / 8u) n = (telem_i_pos)(c->chunk_size / 8u);
    telem_i_ring_get(data, mask, c->pos, c->chunk, (size_t)n * 8u);
    if (!telem_i_lane_intact(l, c->pos)) return 0;
    c->at = c->chunk;
    c->stop = c->at + (size_t)n * 8u;
    return 1;
}

static void telem_i_lane_look(telem_ring_reader *rd, telem_i_ring_lane *l, telem_i_ring_cursor *c,
                              telem_i_lane_entry *e) {
    int fresh = 0;
    c->live = 1;
    while (rd->slot || c->many) {
        const telem_i_ring_cell *p;
        if (c->at == c->stop) {
            fresh = 1;
            e->what = TELEM_I_SEEN_TORN;
            if (!telem_i_lane_window_get(rd, l, c)) return;
        }
        p = (const telem_i_ring_cell *)(const void *)c->at;
        telem_i_lane_parse(rd->ring, p, c->stop - c->at > 8 ? p + TELEM_I_CELLS : NULL, e);
        c->live = rd->slot != NULL;
        if (c->live && !telem_i_reader_trusted(rd)) c->at = c->stop = NULL;
        else if (e->what == TELEM_I_SEEN_OTHER || e->what == TELEM_I_SEEN_BAD) return;
        else if (e->what == TELEM_I_SEEN_RECORD && e->units <= (size_t)(c->stop - c->at) / 8u) return;
        c->at = c->stop = NULL; /* cut off by the window's end */
        if (fresh) break;       /* does not fit into any */
    }
    c->live = 1;
    telem_i_lane_parse_ring(rd, l, c->pos, e);
}

/* c->pos and the window go on by so many units. */
static void telem_i_cursor_move(telem_i_ring_cursor *c, telem_i_pos units) {
    c->pos += units;
    if (!c->at) return;
    if (units < (size_t)(c->stop - c->at) / 8u) c->at += (size_t)units * 8u;
    else c->at = c->stop = NULL;
}

/* Finds the head record of a lane. */
static telem_result telem_i_lane_head(telem_ring_reader *rd, uint32_t i, telem_i_ring_cursor *c) {
    telem_i_ring_lane *l = telem_i_ring_lane_at(rd->ring, i);
    int tries = 8;
    while (tries-- > 0) { /* TIME, PAD, record; or being overtaken: AGAIN then, not damage */
        telem_i_lane_entry e;
        if (c->pos == c->seen) c->seen = TELEM_I_POS_ACQUIRE(&l->tip.committed); /* E1 */
        if (c->pos == c->seen) return TELEM_EMPTY;
        telem_i_lane_look(rd, l, c, &e);
        if (e.what == TELEM_I_SEEN_TORN) {
            if (telem_i_lane_resync(rd, c, l) != TELEM_OK) return TELEM_AGAIN;
            continue;
        }
        if (e.what == TELEM_I_SEEN_BAD || e.units > c->seen - c->pos) return TELEM_ERR_CORRUPT;
        if (e.what == TELEM_I_SEEN_RECORD) {
            c->len = e.len, c->stream = e.stream, c->head = (uint8_t)e.head;
            c->time = (int64_t)((uint64_t)c->hi << 32 | e.hi);
            telem_i_reader_head(rd, c);
            return TELEM_OK;
        }
        if (e.time) c->hi = e.hi;
        telem_i_cursor_move(c, e.units);
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
    *voids = TELEM_LOAD32_RELAXED(&s->voids[*n % TELEM_I_RING_VOIDS]);
    (void)r;
    return telem_i_shared_intact(s, *n);
}

static telem_result telem_i_shared_resync(telem_ring_reader *rd, telem_i_ring_cursor *c,
                                          telem_i_ring_shared *s) {
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
    int clock = telem_i_ring_has_clock(r);
    uint64_t now = clock ? r->clock.read(r->clock.user) : c->stall_since + 1u;
    uint64_t mask = clock ? ~(uint64_t)0 >> (64u - r->clock.bits) : ~(uint64_t)0;
    if (!c->stalled || c->stall_number != n) {
        c->stalled = 1;
        c->stall_number = n;
        c->stall_since = clock ? now : 0;
        return 0;
    }
    if (clock) return ((now - c->stall_since) & mask) >= r->stall;
    c->stall_since = now;
    return now >= r->stall;
}

/* Number n is RESERVED. EMPTY: wait; OK: its state has become final. */
static telem_result telem_i_shared_wait(telem_ring_reader *rd, telem_i_ring_cursor *c, telem_i_ring_shared *s,
                                        uint32_t n, uint32_t state, uint32_t start) {
    uint32_t behind = telem_i_desc_state(telem_i_shared_desc(rd->ring, s, n + 1u));
    if (!telem_i_shared_is(rd->ring, behind, n + 1u)) return TELEM_EMPTY; /* it holds up nobody */
    if (!telem_i_shared_stalled(rd, c, n)) return TELEM_EMPTY;
    if (telem_i_desc_change(telem_i_shared_desc(rd->ring, s, n), &state, start, state | TELEM_I_REVOKED))
        telem_i_count_add(&s->refused.count, 1);
    return TELEM_OK;
}

/* Number n is COMMITTED: the head record. OK; AGAIN: it was overtaken; ERR_CORRUPT. */
static telem_result telem_i_shared_look(telem_ring_reader *rd, telem_i_ring_cursor *c, telem_i_ring_shared *s,
                                        uint32_t n, uint32_t state, uint32_t start) {
    const telem_ring *r = rd->ring;
    uint32_t bytes = telem_i_shared_length(r, state), head;
    c->seen = (telem_i_pos)start;
    head = telem_i_span_head_get(s, telem_i_shared_data(r, s), r->fixed.shared_units - 1u, c->seen,
                                 &c->stream, &c->time);
    if (!telem_i_reader_trusted(rd) && !telem_i_shared_intact(s, n)) return TELEM_AGAIN;
    if (bytes < head * 8u || bytes - head * 8u > r->fixed.max_record) return TELEM_ERR_CORRUPT;
    c->len = bytes - head * 8u;
    c->head = (uint8_t)head;
    c->live = 1;
    telem_i_reader_head(rd, c);
    return TELEM_OK;
}

static telem_result telem_i_shared_head(telem_ring_reader *rd, uint32_t i, telem_i_ring_cursor *c) {
    telem_i_ring_shared *s = telem_i_ring_shared_of(rd->ring);
    uint32_t budget = rd->ring->fixed.shared_records, n, state, start;
    while (budget-- > 0) {
        telem_result res;
        n = (uint32_t)(c->pos & UINT32_MAX);
        state = telem_i_desc_load(telem_i_shared_desc(rd->ring, s, n), &start); /* E12 */
        if (!telem_i_shared_is(rd->ring, state, n)) {
            if (telem_i_reader_trusted(rd) || telem_i_shared_intact(s, n)) return TELEM_EMPTY;
            if (telem_i_shared_resync(rd, c, s) != TELEM_OK) return TELEM_AGAIN;
            continue;
        }
        if ((state & TELEM_I_STATE) == TELEM_I_RESERVED) {
            res = telem_i_shared_wait(rd, c, s, n, state, start);
            if (res != TELEM_OK) return res;
            continue;
        }
        if ((state & TELEM_I_STATE) != TELEM_I_COMMITTED) {
            c->pos = (telem_i_pos)(n + 1u);
            c->voids++;
            telem_i_reader_gate(rd, i, c->pos);
            continue;
        }
        res = telem_i_shared_look(rd, c, s, n, state, start);
        if (res != TELEM_AGAIN) return res;
        if (telem_i_shared_resync(rd, c, s) != TELEM_OK) return TELEM_AGAIN;
    }
    return TELEM_AGAIN;
}

/* -- both kinds -- */

static telem_i_ring_cell *telem_i_reader_data(const telem_ring_reader *rd, uint32_t i, telem_i_pos *mask,
                                              telem_i_pos *pos) {
    const telem_ring *r = rd->ring;
    const telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
    if (telem_i_reader_is_shared(rd, i)) {
        *mask = r->fixed.shared_units - 1u;
        *pos = c->seen + c->head;
        return telem_i_shared_data(r, telem_i_ring_shared_of(r));
    }
    *mask = r->fixed.lane_units - 1u;
    *pos = c->pos + c->head;
    return telem_i_ring_lane_data(r, telem_i_ring_lane_at(r, i));
}

static int telem_i_reader_intact(const telem_ring_reader *rd, uint32_t i) {
    const telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
    if (telem_i_reader_trusted(rd)) return 1;
    if (telem_i_reader_is_shared(rd, i))
        return telem_i_shared_intact(telem_i_ring_shared_of(rd->ring), (uint32_t)(c->pos & UINT32_MAX));
    return telem_i_lane_intact(telem_i_ring_lane_at(rd->ring, i), c->pos);
}

/* The head record is done with: delivered, filtered, or given up. */
static void telem_i_reader_pass(telem_ring_reader *rd, uint32_t i) {
    telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
    if (telem_i_reader_is_shared(rd, i)) {
        c->pos = (telem_i_pos)((uint32_t)(c->pos & UINT32_MAX) + 1u);
    } else {
        telem_i_cursor_move(c, c->head + telem_i_ring_units(c->len));
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
    uint32_t i;
    if (!rd->slot) return TELEM_OK;
    if (TELEM_LOAD32_RELAXED(&rd->slot->state) == rd->slot_state) return TELEM_OK;
    TELEM_STORE32_RELEASE(&rd->slot->state, rd->slot_state & ~3u); /* E13: ours to free */
    rd->slot = NULL;
    for (i = 0; i < rd->count; i++)
        telem_i_reader_cursors(rd)[i].at = telem_i_reader_cursors(rd)[i].stop = NULL;
    return TELEM_EXPELLED;
}

/* telem_i_lane_head for the record that is plain and in the window. 0: not so. */
TELEM_I_INLINE int telem_i_lane_head_plain(const telem_ring_reader *rd, telem_i_ring_cursor *c) {
    uint32_t lo, low;
    if (c->at == c->stop || c->gap) return 0;
    telem_i_pair_get((const telem_i_ring_cell *)(const void *)c->at, &lo, &low);
    if (rd->slot && !telem_i_reader_trusted(rd)) return 0;
    c->len = lo & 0xFFFFu;
    if (c->len > rd->most || c->len + 8u > (size_t)(c->stop - c->at)) return 0;
    c->stream = lo >> 16;
    c->time = (int64_t)((uint64_t)c->hi << 32 | low);
    c->head = 1, c->live = rd->slot != NULL, c->has = 1;
    return 1;
}

/* The cursor whose head has the smallest stamp; count: none. */
static telem_result telem_i_reader_choose(telem_ring_reader *rd, uint32_t *best) {
    telem_i_ring_cursor *cursors = telem_i_reader_cursors(rd);
    telem_result none = TELEM_EMPTY;
    int64_t first = INT64_MAX;
    uint32_t i;
    *best = rd->count;
    rd->bound = INT64_MAX;
    for (i = 0; i < rd->count; i++) {
        telem_i_ring_cursor *c = &cursors[i];
        if (!c->has && !telem_i_lane_head_plain(rd, c)) {
            telem_result res =
                telem_i_reader_is_shared(rd, i) ? telem_i_shared_head(rd, i, c) : telem_i_lane_head(rd, i, c);
            if (res == TELEM_ERR_CORRUPT) return res;
            if (res == TELEM_AGAIN) none = res;
            if (!c->has) continue;
        }
        if (*best == rd->count || c->time < first) {
            if (*best != rd->count) rd->bound = first - 1;
            *best = i, first = c->time;
        } else if (c->time <= rd->bound) {
            rd->bound = c->time == INT64_MIN ? c->time : c->time - 1;
        }
    }
    return *best == rd->count ? none : TELEM_OK;
}

/* The bytes of head record i, in place when they may stay there, else in buf. OK; AGAIN: it was
   overtaken; ERR_MEMORY: buf is too small. */
static telem_result telem_i_reader_fetch(telem_ring_reader *rd, uint32_t i, void *buf, size_t cap,
                                         int in_place, const void **data) {
    telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
    telem_i_pos mask, pos, at;
    telem_i_ring_cell *cells;
    if (c->at && (in_place || !c->live)) { /* under the gate, or in the chunk, which nobody else writes */
        *data = c->at + c->head * 8u;
        if (in_place) return TELEM_OK;
        if (c->len > cap) return TELEM_ERR_MEMORY;
        if (c->len) memcpy(buf, *data, c->len);
        *data = buf;
        return TELEM_OK;
    }
    cells = telem_i_reader_data(rd, i, &mask, &pos);
    at = pos & mask;
    if (in_place) buf = c->chunk, cap = c->chunk_size;
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

/* -- the inline functions' part: the next records of the same lane, when there is no filter. What is
   in its window was committed when all lanes were last looked at. Up to the stamp of the first of
   the others it is next; what comes into another lane meanwhile was committed later. -- */

/* What the inline functions have passed goes into the cursor. */
static void telem_i_reader_settle(telem_ring_reader *rd) {
    telem_i_ring_cursor *c = rd->quick;
    if (!rd->passed) return;
    c->pos += (telem_i_pos)((size_t)(rd->at - rd->from) / 8u);
    c->at = rd->at;
    c->seq += rd->passed;
    c->last = rd->last;
    c->passed = 1, c->has = 0;
    rd->delivered += rd->passed;
    rd->passed = 0;
    rd->from = rd->at;
}
/* All that follows looks at the cursor only, */
static void telem_i_reader_take_back(telem_ring_reader *rd) {
    telem_i_reader_settle(rd);
    rd->at = rd->stop = rd->next = NULL;
}
/* until what it has validated in the window of cursor i is left to them again. 0: nothing is. */
static int telem_i_reader_leave(telem_ring_reader *rd, uint32_t i) {
    telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
    uint32_t upper = (uint32_t)((uint64_t)rd->bound >> 32);
    if (!c->at || c->gap || rd->desc.filter || rd->desc.stream_count || (int32_t)upper < (int32_t)c->hi)
        return 0;
    rd->low_most = upper == c->hi ? (uint32_t)((uint64_t)rd->bound & UINT32_MAX) : UINT32_MAX;
    rd->at = rd->from = c->at, rd->stop = c->stop;
    rd->hi = c->hi, rd->lane = i, rd->quick = c;
    rd->gate = rd->slot ? &telem_i_ring_gate_of(rd->slot, i)->pos : NULL;
    rd->gate_state = rd->slot ? &rd->slot->state : NULL;
    return 1;
}

/* The next record that passes the filters: the head of cursor *which, or, with next set, at `at`. */
static telem_result telem_i_reader_next(telem_ring_reader *rd, telem_ring_record *rec, void *buf, size_t cap,
                                        int in_place, uint32_t *which) {
    uint32_t budget = TELEM_I_RING_BUDGET;
    while (budget-- > 0) {
        telem_i_ring_cursor *c;
        const void *data = NULL;
        telem_result res = telem_i_reader_choose(rd, which);
        if (res != TELEM_OK) return res;
        if (in_place && telem_i_reader_leave(rd, *which)) {
            if (telem_i_reader_quick(rd, rec)) return TELEM_OK;
            rd->at = rd->stop = NULL; /* not plain */
        }
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
            if (!rd->desc.filter || rd->desc.filter(rd->desc.filter_user, c->stream, c->time, data, c->len))
                return TELEM_OK;
            if (in_place && rd->slot && !telem_i_reader_trusted(rd)) { /* it may have seen changing bytes */
                c->has = 0;
                (void)telem_i_reader_check(rd);
                return TELEM_EXPELLED;
            }
        }
        rd->filtered++;
        telem_i_reader_pass(rd, *which);
    }
    return TELEM_AGAIN;
}

TELEM_API telem_result telem_ring_peek(telem_ring_reader *rd, telem_ring_record *rec) {
    telem_ring_record *found;
    telem_result res;
    uint32_t which = 0;
    if (!rd || !rd->ring || !rec) return TELEM_ERR_ARG;
    if (telem_i_reader_quick(rd, rec)) return TELEM_OK;
    telem_i_reader_take_back(rd); /* and what was held when it was expelled is looked for again */
    found = &rd->record;
    if (!rd->held) {
        res = telem_i_reader_check(rd);
        if (res != TELEM_OK) return res;
        res = telem_i_reader_next(rd, found, NULL, 0, 1, &which);
        if (res == TELEM_ERR_MEMORY) found->data = NULL;
        else if (res != TELEM_OK) return res;
        else if (!found->data) found->data = rd; /* an empty record and no buffer: any address */
        if (!rd->next) rd->held = which + 1u;
    }
    *rec = *found;
    return found->data ? TELEM_OK : TELEM_ERR_MEMORY;
}

/* The reader was expelled while it held the record at `at`: that is the cursor's head, and lost. */
static void telem_i_reader_quick_lose(telem_ring_reader *rd) {
    uint32_t bytes = (uint32_t)(rd->next - rd->at);
    int64_t time = rd->time;
    telem_i_reader_take_back(rd);
    rd->quick->len = bytes - 8u, rd->quick->head = 1u, rd->quick->time = time;
    rd->held = 1u + rd->lane, rd->record.data = NULL;
}

TELEM_API telem_result telem_ring_release(telem_ring_reader *rd) {
    telem_result res;
    uint32_t which;
    if (!rd || !rd->ring) return TELEM_ERR_ARG;
    if (rd->next) {
        if (telem_i_reader_quick_release(rd)) return TELEM_OK;
        telem_i_reader_quick_lose(rd);
    }
    if (!rd->held) return TELEM_ERR_STATE;
    which = rd->held - 1u;
    if (rd->slot) TELEM_FENCE_ACQUIRE(); /* E5: what the caller read in place was read before this */
    res = telem_i_reader_check(rd);
    telem_i_reader_pass(rd, which);
    if (res == TELEM_OK && rd->record.data) rd->delivered++;
    else telem_i_reader_lost(rd, telem_i_reader_cursors(rd) + which, 1);
    rd->held = 0;
    (void)telem_i_reader_leave(rd, which);
    return res;
}

/* telem_ring_read by the inline functions; 0: not so. */
static int telem_i_reader_quick_read(telem_ring_reader *rd, telem_ring_record *rec, void *buf, size_t cap) {
    telem_ring_record found;
    if (!telem_i_reader_quick(rd, &found) || found.len > cap) return 0;
    if (found.len) telem_i_cells_get((const telem_i_ring_cell *)found.data, buf, found.len);
    if (!telem_i_reader_quick_release(rd)) return 0;
    found.data = buf;
    *rec = found;
    return 1;
}

TELEM_API telem_result telem_ring_read(telem_ring_reader *rd, telem_ring_record *rec, void *buf, size_t cap) {
    telem_result res;
    telem_ring_record found;
    uint32_t which = 0;
    if (!rd || !rd->ring || !rec || (!buf && cap)) return TELEM_ERR_ARG;
    if (rd->held || rd->next) return TELEM_ERR_STATE;
    if (telem_i_reader_quick_read(rd, rec, buf, cap)) return TELEM_OK;
    telem_i_reader_take_back(rd);
    res = telem_i_reader_check(rd);
    if (res != TELEM_OK) return res;
    res = telem_i_reader_next(rd, &found, buf, cap, 0, &which);
    if (res == TELEM_ERR_MEMORY) found.data = NULL;
    if (res == TELEM_OK || res == TELEM_ERR_MEMORY) *rec = found;
    if (res == TELEM_OK) {
        rd->delivered++;
        telem_i_reader_pass(rd, which);
        (void)telem_i_reader_leave(rd, which);
    }
    return res;
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
    telem_i_lane_place p;
    int tries = 8;
    while (tries-- > 0) {
        if (telem_i_reader_is_shared(rd, i)) {
            uint32_t n;
            if (!telem_i_shared_oldest(r, telem_i_ring_shared_of(r), &n, &c->voids)) continue;
            c->pos = n;
            return TELEM_OK;
        } else {
            telem_i_ring_lane *l = telem_i_ring_lane_at(r, i);
            if (latest ? telem_i_lane_newest(rd, l, &p) : telem_i_lane_oldest(r, l, &p)) {
                telem_i_cursor_place(c, &p);
                c->seq = p.seq;
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
    uint32_t left = r->fixed.shared_records;
    while (left-- > 0) {
        uint32_t n = (uint32_t)(c->pos & UINT32_MAX);
        uint32_t state = telem_i_desc_state(telem_i_shared_desc(r, s, n));
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
        return (int32_t)(TELEM_LOAD32_RELAXED(&telem_i_ring_shared_of(rd->ring)->tail) -
                         (uint32_t)(c->pos & UINT32_MAX)) <= 0;
    return (telem_i_spos)(TELEM_I_POS_RELAXED(&telem_i_ring_lane_at(rd->ring, i)->floor) - c->pos) <= 0;
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
    while (rd->desc.timeout >> shift > 0xFFFu) shift++; /* 2^20 timeouts, till the moments wrap */
    for (i = 0; i < r->fixed.readers; i++) {
        telem_i_ring_slot *slot = telem_i_ring_slot_at(r, i);
        uint32_t was = TELEM_LOAD32_RELAXED(&slot->state), lane;
        if ((was & 3u) != TELEM_I_SLOT_FREE) continue;
        if (!TELEM_CAS32(&slot->state, &was, (was | TELEM_I_SLOT_JOINING) + 4u)) continue; /* E13 */
        rd->slot = slot;
        rd->slot_state = ((was + 4u) & ~3u) | TELEM_I_SLOT_ACTIVE;
        TELEM_STORE32_RELAXED(&slot->limit,
                              (uint32_t)(rd->desc.timeout >> shift) + (shift ? 2u : 0)); /* not early */
        TELEM_STORE32_RELAXED(&slot->shift, shift);
        for (lane = 0; lane <= r->fixed.lanes; lane++) { /* until a lane is joined its gate holds nothing */
            telem_i_ring_shared *s = telem_i_ring_shared_of(r);
            telem_i_pos at = 0;
            if (lane < r->fixed.lanes)
                at = TELEM_I_POS_RELAXED(&telem_i_ring_lane_at(r, lane)->tip.committed);
            else if (s) at = (telem_i_pos)TELEM_LOAD32_RELAXED(&s->tail);
            telem_i_reader_gate(rd, lane, at + 0x40000000u);
        }
        return TELEM_OK;
    }
    return TELEM_FULL;
}

/* desc.copy, divided among the lanes when each part takes any record; else for one record at a time. */
static void telem_i_reader_buffers(telem_ring_reader *rd) {
    telem_i_ring_cursor *c = telem_i_reader_cursors(rd);
    size_t part = rd->desc.copy ? rd->desc.copy_size / rd->count & ~(size_t)7u : 0, i;
    int many = rd->count == 1u ? part >= 16u : part >= (size_t)rd->ring->fixed.max_record + 24u;
    for (i = 0; i < rd->count; i++) {
        memset(&c[i], 0, sizeof *c);
        c[i].many = (uint8_t)many;
        c[i].chunk = many ? (char *)rd->desc.copy + i * part : (char *)rd->desc.copy;
        c[i].chunk_size = many && rd->count > 1u ? part : rd->desc.copy ? rd->desc.copy_size : 0;
    }
}

/* One for each lane. Is there room for them? */
static uint32_t telem_i_reader_count(const telem_ring *r) {
    return r->fixed.lanes + (TELEM_I_HAS_SHARED && r->fixed.shared_units ? 1u : 0);
}
static int telem_i_reader_fits(const telem_ring *r, const void *cursors, size_t size) {
    uint32_t n = telem_i_reader_count(r);
    return cursors ? size >= n * sizeof(telem_i_ring_cursor) : n <= TELEM_RING_CURSORS;
}

TELEM_API telem_result telem_ring_reader_init(telem_ring_reader *rd, telem_ring *ring,
                                              const telem_ring_reader_desc *desc) {
    telem_result res = TELEM_OK;
    uint32_t i;
    if (rd) memset(rd, 0, sizeof *rd);
    if (!rd || !ring || ring->fixed.magic != TELEM_I_RING_MAGIC) return TELEM_ERR_ARG;
    if (desc) rd->desc = *desc;
    if ((rd->desc.gating && ring->fixed.policy != TELEM_RING_REFUSE) || rd->desc.start > TELEM_RING_LATEST ||
        (rd->desc.stream_count && !rd->desc.streams) ||
        (((uintptr_t)rd->desc.copy | (uintptr_t)rd->desc.cursors) & 7u) != 0)
        return TELEM_ERR_ARG;
    rd->count = telem_i_reader_count(ring);
    if (!telem_i_reader_fits(ring, rd->desc.cursors, rd->desc.cursors_size)) return TELEM_ERR_MEMORY;
    rd->ring = ring;
    rd->most = ring->fixed.max_record < TELEM_I_ENTRY_MOST ? ring->fixed.max_record : TELEM_I_ENTRY_MOST;
    telem_i_reader_buffers(rd);
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
    return TELEM_I_POS_RELAXED(&l->tip.count);
#else
    uint32_t hi, at, lo, tries = 8;
    do {
        hi = TELEM_LOAD32_ACQUIRE(&l->count_hi), at = TELEM_LOAD32_ACQUIRE(&l->count_at); /* E15 */
        lo = TELEM_LOAD32_RELAXED(&l->tip.count.v); /* at, and so what it says, is not newer: E15 */
    } while ((TELEM_LOAD32_RELAXED(&l->count_hi) != hi || TELEM_LOAD32_RELAXED(&l->count_at) != at) &&
             --tries);
    return (uint64_t)(hi + (lo < at)) << 32 | lo;
#endif
}

/* Committed and open among the numbers from n on. */
static void telem_i_shared_walk(const telem_ring *r, telem_i_ring_shared *s, uint32_t n, uint64_t *committed,
                                uint64_t *open) {
    uint32_t left = r->fixed.shared_records;
    for (; left > 0; left--, n++) {
        uint32_t state = telem_i_desc_state(telem_i_shared_desc(r, s, n));
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
    to->open += TELEM_LOAD32_RELAXED(&l->tip.open);
    to->bytes += (uint64_t)(TELEM_I_POS_RELAXED(&l->tip.committed) - (telem_i_pos)(TELEM_I_RING_START)) * 8u;
    telem_i_refused_add(to, &l->refused);
}

static void telem_i_shared_add(const telem_ring *r, telem_ring_counts *to) {
    telem_i_ring_shared *s = telem_i_ring_shared_of(r);
    uint32_t start = (uint32_t)((telem_i_pos)(TELEM_I_RING_START)&UINT32_MAX), n = 0, voids = 0, hi,
             tries = 8, head, state, end = 0;
    uint64_t committed;
    if (!s) return;
    do hi = TELEM_LOAD32_RELAXED(&s->tail_hi); /* the fence behind the tail acquires it: E15 */
    while (!telem_i_shared_oldest(r, s, &n, &voids) && --tries);
    committed = ((uint64_t)hi << 32 | n) - start - voids;
    telem_i_shared_walk(r, s, n, &committed, &to->open);
    head = telem_i_shared_find(r, s);
    state = telem_i_desc_load(telem_i_shared_desc(r, s, head - 1u), &end);
    to->committed += committed;
    to->aborted += telem_i_count_get(&s->aborted);
    to->bytes += committed * sizeof(telem_i_ring_descriptor) +
                 (uint64_t)(uint32_t)(end + telem_i_shared_extent(r, state) - start) * 8u;
    telem_i_refused_add(to, &s->refused);
}

TELEM_API telem_result telem_ring_lane_stats(const telem_ring *ring, uint32_t lane,
                                             telem_ring_counts *counts) {
    telem_ring_counts c = TELEM_ZERO;
    if (!ring || !counts || lane > ring->fixed.lanes ||
        (lane == ring->fixed.lanes && !ring->fixed.shared_units))
        return TELEM_ERR_ARG;
    c.refused_stream = TELEM_RING_MANY;
    c.refused_first = INT64_MAX, c.refused_last = INT64_MIN;
    if (lane == ring->fixed.lanes) telem_i_shared_add(ring, &c);
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
    for (i = 0; i < ring->fixed.lanes; i++) telem_i_lane_add(ring, i, &c);
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

TELEM_API telem_result telem_ring_reader_stats(const telem_ring_reader *rd,
                                               telem_ring_reader_counts *counts) {
    telem_ring_reader_counts n;
    uint32_t i;
    if (!rd || !rd->ring || !counts) return TELEM_ERR_ARG;
    n.delivered = rd->delivered + rd->passed, n.filtered = rd->filtered, n.lost = rd->lost;
    n.queued = (uint64_t)0 - rd->passed;
    for (i = 0; i < rd->count; i++) {
        const telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
        if (telem_i_reader_is_shared(rd, i)) n.queued += telem_i_shared_queued(rd, c);
        else
            n.queued += (telem_i_pos)(TELEM_I_POS_RELAXED(&telem_i_ring_lane_at(rd->ring, i)->tip.count) -
                                      (telem_i_pos)c->seq);
    }
    *counts = n;
    return TELEM_OK;
}

/* >>attach

   A ring that survived is read by bytes: whatever their alignment, byte order and cursor width,
   and however wrong they are. Nothing is taken for granted: the head is planned again from the
   sizes that it states and compared; cursors must lie within their lane; a lane's records are
   walked from anchor to anchor, and only where a block's chain of lengths meets the next anchor
   exactly, with as many records as the anchors say, are they records. In the shared lane each
   span must end where the next begins. Payloads are not checked: nothing says what they were.

   Why a ring can be read after its program died at any instruction: a killed producer is one that
   is parked for ever, and those never hide nor tear anything. What counts is published by one
   store each: committed, or a descriptor's state. floor was raised before bytes were overwritten. */

#define TELEM_I_IMAGE_BAD 0
#define TELEM_I_IMAGE_RECORD 1
#define TELEM_I_IMAGE_SKIP 2    /* a pad, a time entry */
#define TELEM_I_IMAGE_OUTSIDE 3 /* beyond the bytes that there are */

static uint32_t telem_i_image_32(const telem_i_image *m, size_t at) {
    const uint8_t *p = m->bytes + at;
    if (!m->big) return telem_get32(p);
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}
/* Two words that a machine with 64-bit cursors keeps in one. */
static uint32_t telem_i_image_pair(const telem_i_image *m, size_t at, uint32_t *hi) {
    size_t swapped = m->wide && m->big ? 4u : 0;
    *hi = telem_i_image_32(m, at + 4u - swapped);
    return telem_i_image_32(m, at + swapped);
}
static telem_i_pos telem_i_image_word(const telem_i_image *m, size_t at) {
#if TELEM_HAS_ATOMIC64
    uint32_t hi, lo = telem_i_image_pair(m, at, &hi);
    return m->wide ? (uint64_t)hi << 32 | lo : lo;
#else
    return telem_i_image_32(m, at);
#endif
}
/* A count: two 32-bit words, low first in either byte order. */
static uint64_t telem_i_image_count(const telem_i_image *m, size_t at) {
    return (uint64_t)telem_i_image_32(m, at + 4u) << 32 | telem_i_image_32(m, at);
}
/* b - a, 0 .. mask: a is never behind b where this is used, or the answer is absurdly large. */
static telem_i_pos telem_i_image_diff(const telem_i_image *m, telem_i_pos b, telem_i_pos a) {
    return (b - a) & m->mask;
}
static int telem_i_image_has(const telem_i_image *m, size_t at, size_t n) {
    return at <= m->size && n <= m->size - at;
}

/* -- the head -- */

/* Where the layouts of the two cursor widths differ: the words of a wide ring stand apart. */
#define TELEM_I_WIDE_LANE 192u  /* a lane's words, */
#define TELEM_I_WIDE_FLOOR 64u  /* in them floor and what follows; */
#define TELEM_I_WIDE_SHARED 384u /* the shared lane's words, */
#define TELEM_I_WIDE_VOIDS 64u  /* in them voids and what follows */
#define TELEM_I_NARROW_LANE 104u
#define TELEM_I_NARROW_FLOOR 24u
#define TELEM_I_NARROW_SHARED 288u
#define TELEM_I_NARROW_VOIDS 32u
#define TELEM_I_IMAGE_LANE(m) ((m)->wide ? TELEM_I_WIDE_LANE : TELEM_I_NARROW_LANE)
#define TELEM_I_IMAGE_FLOOR(m) ((m)->wide ? TELEM_I_WIDE_FLOOR : TELEM_I_NARROW_FLOOR)
#define TELEM_I_IMAGE_VOIDS(m) ((m)->wide ? TELEM_I_WIDE_VOIDS : TELEM_I_NARROW_VOIDS)
#define TELEM_I_IMAGE_SHARED(m) \
    ((m)->wide == TELEM_HAS_ATOMIC64 ? (uint32_t)sizeof(struct telem_i_ring_shared) \
     : (m)->wide                     ? TELEM_I_WIDE_SHARED : TELEM_I_NARROW_SHARED)
#if TELEM_HAS_ATOMIC64
#define TELEM_I_OWN(name) TELEM_I_WIDE_##name
#else
#define TELEM_I_OWN(name) TELEM_I_NARROW_##name
#endif
TELEM_STATIC_ASSERT(sizeof(struct telem_i_ring_lane) == TELEM_I_OWN(LANE), telem_i_image_knows_the_lane);
TELEM_STATIC_ASSERT(offsetof(struct telem_i_ring_lane, floor) == TELEM_I_OWN(FLOOR),
                    telem_i_image_knows_the_floor);
TELEM_STATIC_ASSERT(sizeof(struct telem_i_ring_shared) == TELEM_I_OWN(SHARED) || TELEM_RING_PARKED_MAX != 16,
                    telem_i_image_knows_the_shared_lane);
TELEM_STATIC_ASSERT(offsetof(struct telem_i_ring_shared, voids) == TELEM_I_OWN(VOIDS),
                    telem_i_image_knows_the_voids);
#define TELEM_I_LANE_OFFSET(field) \
    (offsetof(struct telem_i_ring_lane, field) - offsetof(struct telem_i_ring_lane, floor))
#define TELEM_I_SHARED_OFFSET(field) \
    (offsetof(struct telem_i_ring_shared, field) - offsetof(struct telem_i_ring_shared, voids))

/* The head must be what init would have made of the sizes in it. */
static int telem_i_image_plan(const telem_i_image *m) {
    const telem_i_ring_fixed *f = &m->f;
    const size_t from = offsetof(telem_i_ring_fixed, bytes), to = offsetof(telem_i_ring_fixed, notes_bytes);
    telem_ring_desc d = TELEM_ZERO;
    telem_i_ring_fixed plan;
    uint32_t smallest, apart, all;
    if (f->lane_units > 0x8000000u || f->shared_units > 0x8000000u || f->max_record == 0) return 0;
    d.lanes = f->lanes, d.lane_bytes = f->lane_units * 8u;
    d.shared_bytes = f->shared_units * 8u, d.shared_records = f->shared_records;
    d.policy = f->policy, d.max_record = f->max_record, d.readers = f->readers;
    d.contiguous = f->contiguous ? 1u : 0u, d.notes_bytes = f->notes_bytes;
    smallest = d.lanes && (!d.shared_bytes || d.lane_bytes < d.shared_bytes) ? d.lane_bytes : d.shared_bytes;
    if (d.max_record > smallest / 4u || telem_i_ring_plan(&plan, &d) == 0) return 0;
    apart = TELEM_I_IMAGE_LANE(m) -
            (uint32_t)sizeof(struct telem_i_ring_lane); /* 0 in this program's own layout */
    all = apart * f->lanes;
    if (f->lanes) plan.lane_stride += apart;
    plan.shared_at += all;
    if (f->shared_units) all += TELEM_I_IMAGE_SHARED(m) - (uint32_t)sizeof(struct telem_i_ring_shared);
    plan.notes_at += all, plan.bytes += all;
    return memcmp((const char *)&plan + from, (const char *)f + from, to + sizeof f->notes_bytes - from) == 0;
}

static telem_result telem_i_image_open(telem_i_image *m, const void *bytes, size_t size) {
    uint32_t words[sizeof m->f / 4u], i;
    memset(m, 0, sizeof *m);
    m->bytes = (const uint8_t *)bytes;
    m->size = size;
    if (size < sizeof m->f) return TELEM_ERR_TRUNCATED;
    m->big = telem_get32(m->bytes + offsetof(telem_i_ring_fixed, endian)) != TELEM_I_RING_ENDIAN;
    for (i = 0; i < sizeof words / 4u; i++) words[i] = telem_i_image_32(m, i * 4u);
    memcpy(&m->f, words, sizeof words);
    if (m->f.magic != TELEM_I_RING_MAGIC || m->f.endian != TELEM_I_RING_ENDIAN) return TELEM_ERR_NOT_FOUND;
    if (m->f.layout != TELEM_I_RING_LAYOUT) return TELEM_ERR_UNSUPPORTED;
    m->wide = m->f.cursor_bits == 64u;
    if (!m->wide && m->f.cursor_bits != 32u) return TELEM_ERR_CORRUPT;
    if (m->wide && !TELEM_HAS_ATOMIC64) return TELEM_ERR_UNSUPPORTED;
    m->mask = (telem_i_pos)(m->wide ? ~(uint64_t)0 : UINT32_MAX);
    if (m->f.shared_units && !TELEM_I_HAS_SHARED) return TELEM_ERR_UNSUPPORTED;
    if (!telem_i_image_plan(m) || m->f.clock_bits > 64u) return TELEM_ERR_CORRUPT;
    return TELEM_OK;
}

/* -- bytes of a data area: `base` in the image, `units` long, from unit pos on -- */

static size_t telem_i_image_unit(size_t base, uint32_t units, telem_i_pos pos) {
    return base + (size_t)(pos & (units - 1u)) * 8u;
}

/* Are n units from pos on inside the bytes that there are? */
static int telem_i_image_inside(const telem_i_image *m, size_t base, uint32_t units, telem_i_pos pos,
                                uint32_t n) {
    size_t at = telem_i_image_unit(base, units, pos);
    uint32_t room = units - (uint32_t)(pos & (units - 1u));
    if (n > room) return telem_i_image_has(m, base, (size_t)units * 8u);
    return telem_i_image_has(m, at, (size_t)n * 8u);
}
static void telem_i_image_copy(const telem_i_image *m, size_t base, uint32_t units, telem_i_pos pos, void *to,
                               uint32_t n) {
    size_t at = telem_i_image_unit(base, units, pos), head = (size_t)units * 8u - (at - base);
    if (head > n) head = n;
    if (head) memcpy(to, m->bytes + at, head);
    if (n > head) memcpy((char *)to + head, m->bytes + base, n - head);
}

/* -- a lane -- */

static size_t telem_i_image_lane(const telem_i_image *m, uint32_t i) {
    return m->f.lanes_at + (size_t)i * m->f.lane_stride;
}
static size_t telem_i_image_lane_data(const telem_i_image *m, uint32_t i) {
    return telem_i_image_lane(m, i) + m->f.lane_stride - (size_t)m->f.lane_units * 8u;
}
/* Records committed, as the lane counts them. */
static uint64_t telem_i_image_lane_count(const telem_i_image *m, uint32_t i) {
    size_t at = telem_i_image_lane(m, i), rest = at + TELEM_I_IMAGE_FLOOR(m);
    uint64_t count = telem_i_image_word(m, at + offsetof(telem_i_ring_tip, count));
    uint32_t hi = telem_i_image_32(m, rest + TELEM_I_LANE_OFFSET(count_hi));
    if (m->wide) return count;
    if (count < telem_i_image_32(m, rest + TELEM_I_LANE_OFFSET(count_at))) hi++;
    return (uint64_t)hi << 32 | count;
}

/* The entry at c->pos. RECORD: len, stream, time, units and head are set; SKIP: units, hi. */
static int telem_i_image_entry(const telem_i_image *m, uint32_t i, telem_i_image_cursor *c) {
    size_t base = telem_i_image_lane_data(m, i);
    telem_i_pos room = telem_i_image_diff(m, c->end, c->pos);
    uint32_t lo, hi, size = m->f.lane_units;
    if (!telem_i_image_inside(m, base, size, c->pos, 1u)) return TELEM_I_IMAGE_OUTSIDE;
    lo = telem_i_image_pair(m, telem_i_image_unit(base, size, c->pos), &hi);
    c->len = lo & 0xFFFFu, c->stream = lo >> 16, c->units = 1, c->head = 1;
    if (c->len == TELEM_I_ENTRY_TIME || c->len == TELEM_I_ENTRY_PAD) {
        if (c->len == TELEM_I_ENTRY_PAD) c->units = hi;
        else c->hi = hi;
        return c->units != 0 && c->units <= room ? TELEM_I_IMAGE_SKIP : TELEM_I_IMAGE_BAD;
    }
    c->time = telem_i_signed((uint64_t)c->hi << 32 | hi);
    if (c->len == TELEM_I_ENTRY_LONG) {
        if (!telem_i_image_inside(m, base, size, c->pos, 2u)) return TELEM_I_IMAGE_OUTSIDE;
        c->len = telem_i_image_pair(m, telem_i_image_unit(base, size, c->pos + 1u), &c->stream);
        c->head = 2;
    } else if (c->len > TELEM_I_ENTRY_MOST) return TELEM_I_IMAGE_BAD;
    if (c->len > m->f.max_record) return TELEM_I_IMAGE_BAD;
    c->units = c->head + telem_i_ring_units(c->len);
    if (c->units > room) return TELEM_I_IMAGE_BAD;
    return telem_i_image_inside(m, base, size, c->pos, c->units) ? TELEM_I_IMAGE_RECORD
                                                                 : TELEM_I_IMAGE_OUTSIDE;
}

/* Do entries lead from c's position exactly to `stop`? RECORD: yes; c is there. And through how
   many records. */
static int telem_i_image_chain(const telem_i_image *m, uint32_t i, telem_i_image_cursor *c, telem_i_pos stop,
                               telem_i_pos *records) {
    c->end = stop;
    *records = 0;
    while (c->pos != stop) {
        int what = telem_i_image_entry(m, i, c);
        if (what == TELEM_I_IMAGE_BAD || what == TELEM_I_IMAGE_OUTSIDE) return what;
        *records += what == TELEM_I_IMAGE_RECORD;
        c->pos = (c->pos + c->units) & m->mask;
    }
    return TELEM_I_IMAGE_RECORD;
}

/* The first anchor of a block that starts at `from` or behind and leads to an entry before `end`:
   where (pos), what number and which upper half. 0: there is none. */
static int telem_i_image_anchor(const telem_i_image *m, uint32_t i, telem_i_pos from, telem_i_pos end,
                                telem_i_image_cursor *to) {
    telem_i_pos step = m->f.block_units, at = ((from + step - 1u) & ~(step - 1u)) & m->mask;
    uint32_t left = m->f.lane_units >> m->f.block_log2;
    for (; left > 0 && telem_i_image_diff(m, at, from) < telem_i_image_diff(m, end, from);
         left--, at = (at + step) & m->mask) {
        size_t a = telem_i_image_lane(m, i) + TELEM_I_IMAGE_LANE(m) +
                   (size_t)((at >> m->f.block_log2) & ((m->f.lane_units >> m->f.block_log2) - 1u)) *
                       sizeof(telem_i_ring_anchor);
        telem_i_pos skip = telem_i_image_32(m, a + offsetof(telem_i_ring_anchor, skip));
        if (skip >= telem_i_image_diff(m, end, at)) continue;
        to->pos = (at + skip) & m->mask;
        to->hi = telem_i_image_32(m, a + offsetof(telem_i_ring_anchor, hi));
        to->seq = telem_i_image_word(m, a + offsetof(telem_i_ring_anchor, seq));
        return 1;
    }
    return 0;
}

/* Do the entries from c on lead to stop as its anchor (or, at the end, the lane's count) says? OK:
   they do; else why not. *expect: the records between by these counts. A commit that was under way
   has counted its records already: `ahead` allows for that, at the end. */
static int telem_i_image_agrees(const telem_i_image *m, uint32_t i, const telem_i_image_cursor *c,
                                telem_i_image_cursor *stop, int ahead, telem_i_pos *records,
                                telem_i_pos *expect) {
    telem_i_image_cursor walk = *c;
    int last = stop->pos == c->end, what = telem_i_image_chain(m, i, &walk, stop->pos, records);
    *expect = telem_i_image_diff(m, stop->seq, c->seq);
    if (last) stop->hi = walk.hi;
    if (what != TELEM_I_IMAGE_RECORD) return what;
    if (*records == *expect && walk.hi == stop->hi) return what;
    return last && ahead && *records < *expect && *expect - *records <= m->f.lane_units / 4u
               ? what
               : TELEM_I_IMAGE_BAD;
}

/* The next anchor behind c's block, or the end. */
static void telem_i_image_stop(const telem_i_image *m, uint32_t i, telem_i_pos pos, telem_i_pos end,
                               telem_i_image_cursor *stop) {
    if (telem_i_image_anchor(m, i, (pos + 1u) & m->mask, end, stop)) return;
    stop->pos = end;
    stop->seq = (telem_i_pos)telem_i_image_lane_count(m, i) & m->mask;
}

/* c stands at the begin of a stretch whose entries nobody has looked at. 1: they are sound up to
   c->checked. 0: they are not; c is behind them. An anchor that alone is wrong is passed over. */
static int telem_i_image_stretch(const telem_i_image *m, uint32_t i, telem_i_image_cursor *c,
                                 telem_ring_account *a) {
    telem_i_image_cursor stop = *c, first;
    telem_i_pos records, expect, units;
    int tries, what = TELEM_I_IMAGE_BAD, why = 0;
    first = *c;
    for (tries = 0; tries < 3 && what != TELEM_I_IMAGE_RECORD && stop.pos != c->end; tries++) {
        telem_i_image_stop(m, i, stop.pos, c->end, &stop);
        what = telem_i_image_agrees(m, i, c, &stop, c->at == 0, &records, &expect);
        if (tries == 0) first = stop, why = what;
    }
    if (what == TELEM_I_IMAGE_RECORD) {
        a->open += expect - records; /* counted, not yet published */
        c->checked = stop.pos;
        c->at = 0;
        return 1;
    }
    expect = telem_i_image_diff(m, first.seq, c->seq);
    units = telem_i_image_diff(m, first.pos, c->pos);
    if (expect > units) a->unknown++;
    else if (why == TELEM_I_IMAGE_OUTSIDE) a->outside += expect;
    else a->damaged += expect;
    a->unknown += expect == 0;
    c->pos = c->checked = first.pos, c->seq = first.seq, c->hi = first.hi;
    c->at = 1; /* what this anchor says must prove itself */
    return 0;
}

/* 1: c's head record is set; 0: c is at its end. */
static int telem_i_image_lane_next(const telem_i_image *m, uint32_t i, telem_i_image_cursor *c,
                                   telem_ring_account *a) {
    while (c->pos != c->end) {
        int what;
        if (c->pos == c->checked && !telem_i_image_stretch(m, i, c, a)) continue;
        what = telem_i_image_entry(m, i, c);
        if (what == TELEM_I_IMAGE_RECORD) return 1;
        if (what != TELEM_I_IMAGE_SKIP) break; /* somebody writes: not what was checked */
        c->pos = (c->pos + c->units) & m->mask;
    }
    c->pos = c->end;
    return 0;
}

/* The lowest position that an active gate holds, when it lies behind `pos`: a writer that was
   refused had raised the floor above it, but nothing was overwritten. */
static telem_i_pos telem_i_image_gate(const telem_i_image *m, uint32_t lane, telem_i_pos pos,
                                      telem_i_pos end) {
    uint32_t i;
    for (i = 0; i < m->f.readers && m->f.policy == TELEM_RING_REFUSE; i++) {
        size_t slot = m->f.slots_at + (size_t)i * m->f.slot_stride;
        telem_i_pos gate =
            telem_i_image_word(m, slot + sizeof(telem_i_ring_slot) + lane * sizeof(telem_i_ring_gate));
        if ((telem_i_image_32(m, slot + offsetof(struct telem_i_ring_slot, state)) & 3u) !=
            TELEM_I_SLOT_ACTIVE)
            continue;
        if (telem_i_image_diff(m, end, gate) <= m->f.lane_units &&
            telem_i_image_diff(m, end, gate) > telem_i_image_diff(m, end, pos))
            pos = gate;
    }
    return pos;
}

/* Moves c from the first anchor above the floor down to the gate that holds more, if there is one.
   The upper half of the stamps there follows from the first time entry (new value and step) or,
   when there is none, from the anchor. */
static void telem_i_image_lane_gate(const telem_i_image *m, uint32_t i, telem_i_image_cursor *c) {
    telem_i_pos gate = telem_i_image_gate(m, i, c->pos, c->end), records;
    telem_i_image_cursor stop = *c, walk;
    uint32_t hi;
    if (gate == c->pos || !telem_i_image_anchor(m, i, gate, c->end, &stop)) return;
    *c = walk = stop;
    walk.pos = gate, walk.end = stop.pos;
    for (hi = stop.hi; walk.pos != stop.pos; walk.pos = (walk.pos + walk.units) & m->mask) {
        int what = telem_i_image_entry(m, i, &walk);
        if (what == TELEM_I_IMAGE_BAD || what == TELEM_I_IMAGE_OUTSIDE) return;
        if (what == TELEM_I_IMAGE_RECORD || walk.len != TELEM_I_ENTRY_TIME) continue;
        if (walk.stream == 0) return; /* a step of more than 16 bits is not written down */
        hi = walk.hi - walk.stream + (walk.stream & 0x8000u) * 2u;
        break;
    }
    walk.pos = gate, walk.hi = hi;
    if (telem_i_image_chain(m, i, &walk, stop.pos, &records) != TELEM_I_IMAGE_RECORD || walk.hi != stop.hi)
        return;
    c->pos = gate, c->seq = (stop.seq - records) & m->mask, c->hi = hi;
}

/* c to the oldest entry that is whole, and an account of what came before. 0: the cursors make no
   sense. */
static int telem_i_image_lane_start(const telem_i_image *m, uint32_t i, telem_i_image_cursor *c,
                                    telem_ring_account *a) {
    size_t at = telem_i_image_lane(m, i);
    telem_i_image_cursor old;
    telem_i_pos floor, behind;
    uint64_t before, half = 0;
    memset(c, 0, sizeof *c);
    if (!telem_i_image_has(m, at, m->f.lane_stride - (size_t)m->f.lane_units * 8u)) return 0;
    c->end = telem_i_image_word(m, at + offsetof(telem_i_ring_tip, committed));
    floor = telem_i_image_word(m, at + TELEM_I_IMAGE_FLOOR(m));
    before = telem_i_image_lane_count(m, i);
    if (telem_i_image_diff(m, c->end, floor) > m->f.lane_units) return 0;
    c->pos = c->end, c->seq = (telem_i_pos)before & m->mask;
    if (telem_i_image_anchor(m, i, floor, c->end, c)) telem_i_image_lane_gate(m, i, c);
    else a->unknown += telem_i_image_diff(m, c->end, floor) >= 2u * m->f.block_units;
    c->checked = c->pos;
    behind = telem_i_image_diff(m, (telem_i_pos)before & m->mask, c->seq);
    if (behind > before || behind > telem_i_image_diff(m, c->end, c->pos) + m->f.lane_units / 4u) {
        a->unknown++;
        before = behind = 0;
    }
    before -= behind;
    old = *c;
    if (before && telem_i_image_anchor(m, i, (c->end - m->f.lane_units) & m->mask, c->pos, &old)) {
        half = telem_i_image_diff(m, c->seq, old.seq);
        if (half > before || half > telem_i_image_diff(m, c->pos, old.pos)) half = 0;
    }
    a->half += half;
    a->overwritten += before - half;
    return 1;
}

/* -- the shared lane -- */

static size_t telem_i_image_shared_desc(const telem_i_image *m, uint32_t n) {
    return m->f.shared_at + TELEM_I_IMAGE_SHARED(m) +
           (size_t)(n & (m->f.shared_records - 1u)) * sizeof(telem_i_ring_descriptor);
}
static size_t telem_i_image_shared_data(const telem_i_image *m) {
    return m->f.shared_at + TELEM_I_IMAGE_SHARED(m) +
           telem_i_ring_align(m->f.shared_records * sizeof(telem_i_ring_descriptor));
}
/* The state of number n, and where its span begins. 0 in *is: the descriptor is not of this number. */
static uint32_t telem_i_image_state(const telem_i_image *m, uint32_t n, uint32_t *start, int *is) {
    uint32_t state = telem_i_image_pair(m, telem_i_image_shared_desc(m, n), start),
             shift = 3u + m->f.length_bits;
    *is = ((state >> shift) & m->f.tag_mask) == ((n >> m->f.records_log2) & m->f.tag_mask);
    return state;
}
static uint32_t telem_i_image_extent(const telem_i_image *m, uint32_t state) {
    uint32_t bytes = (state >> 3) & ((1u << m->f.length_bits) - 1u);
    return (state & TELEM_I_STATE) >= TELEM_I_ZOMBIE ? 0 : telem_i_ring_units(bytes);
}

/* Are the spans of n and its neighbours, as far as these are taken, laid end to end, and within one
   lap of the head? c->seq: the tail, behind which nothing is held; c->checked: the unit where the
   last span ends. */
static int telem_i_image_fits(const telem_i_image *m, const telem_i_image_cursor *c, uint32_t n,
                              uint32_t units) {
    uint32_t start, state;
    int is;
    if (n != (uint32_t)(c->seq & UINT32_MAX)) {
        state = telem_i_image_state(m, n - 1u, &start, &is);
        if (!is || start + telem_i_image_extent(m, state) != c->at) return 0;
    }
    (void)telem_i_image_state(m, n + 1u, &start, &is);
    if (is && start != c->at + units) return 0;
    return (uint32_t)(c->checked & UINT32_MAX) - c->at <= m->f.shared_units;
}

/* What number c->pos is: RECORD: len, stream, time, head and at (its unit) are set; SKIP: no
   record, and rightly so; else damage. */
static int telem_i_image_number(const telem_i_image *m, telem_i_image_cursor *c) {
    uint32_t n = (uint32_t)(c->pos & UINT32_MAX), state, bytes, lo, hi, top;
    size_t base = telem_i_image_shared_data(m), unit;
    int is;
    state = telem_i_image_state(m, n, &c->at, &is);
    if (!is || (state & TELEM_I_STATE) > TELEM_I_GONE) return TELEM_I_IMAGE_BAD;
    c->units = telem_i_image_extent(m, state);
    if (c->units > m->f.shared_units || !telem_i_image_fits(m, c, n, c->units)) return TELEM_I_IMAGE_BAD;
    if ((state & TELEM_I_STATE) != TELEM_I_COMMITTED) {
        c->head = (state & TELEM_I_STATE) == TELEM_I_RESERVED;
        return TELEM_I_IMAGE_SKIP;
    }
    bytes = (state >> 3) & ((1u << m->f.length_bits) - 1u);
    if (!telem_i_image_inside(m, base, m->f.shared_units, c->at, c->units)) return TELEM_I_IMAGE_OUTSIDE;
    unit = telem_i_image_unit(base, m->f.shared_units, c->at);
    top = telem_i_image_32(m, m->f.shared_at + offsetof(struct telem_i_ring_shared, top)) & 255u;
    c->head = 1;
    if (bytes < 8u) return TELEM_I_IMAGE_BAD;
    lo = telem_i_image_pair(m, unit, &hi);
    c->stream = lo & 255u;
    if (c->stream == 255u) {
        if (bytes < 16u) return TELEM_I_IMAGE_BAD;
        c->stream = telem_i_image_pair(m, telem_i_image_unit(base, m->f.shared_units, c->at + 1u), &top);
        c->head = 2;
    }
    c->time = telem_i_signed((uint64_t)(top & 255u) << 56 | (uint64_t)hi << 24 | lo >> 8);
    c->len = bytes - c->head * 8u;
    return c->len > m->f.max_record ? TELEM_I_IMAGE_BAD : TELEM_I_IMAGE_RECORD;
}

/* The numbers from the tail on that are taken: c->end is behind the last that its neighbour leads
   to. 0: it is the tail that is wrong: few descriptors are of its lap or of the one before, as all
   are in a sound ring, or some are of a later one. */
static int telem_i_image_shared_find(const telem_i_image *m, telem_i_image_cursor *c, telem_ring_account *a) {
    uint32_t tail = (uint32_t)(c->pos & UINT32_MAX), end = tail, i, sound = 0, late = 0, stray = 0, start,
             state, stop = 0;
    for (i = 0; i < m->f.shared_records; i++) {
        int is, before, later;
        (void)telem_i_image_state(m, tail + i - m->f.shared_records, &start, &before);
        (void)telem_i_image_state(m, tail + i + m->f.shared_records, &start, &later);
        late += (uint32_t)later;
        state = telem_i_image_state(m, tail + i, &start, &is);
        sound += is || before;
        if (is && (i == 0 || start == stop)) {
            end = tail + i + 1u;
            c->checked = (telem_i_pos)(start + telem_i_image_extent(m, state));
            stray = 0;
        } else stray += !before;
        stop = is ? start + telem_i_image_extent(m, state) : ~start;
    }
    c->end = (telem_i_pos)end;
    if (sound < m->f.shared_records / 2u || late > 1u) return 0;
    a->unknown += stray;
    return 1;
}

/* c to the tail. 0: the cursors make no sense. */
static int telem_i_image_shared_start(const telem_i_image *m, telem_i_image_cursor *c,
                                      telem_ring_account *a) {
    size_t at = m->f.shared_at;
    uint32_t begin = (uint32_t)((telem_i_pos)(TELEM_I_RING_START) & UINT32_MAX), tail, voids;
    uint64_t numbers;
    memset(c, 0, sizeof *c);
    if (!telem_i_image_has(m, at, telem_i_image_shared_data(m) - at)) return 0;
    tail = telem_i_image_32(m, at + offsetof(struct telem_i_ring_shared, tail));
    voids = telem_i_image_32(m, at + TELEM_I_IMAGE_VOIDS(m) + (tail % TELEM_I_RING_VOIDS) * 4u);
    c->pos = c->seq = tail;
    if (!telem_i_image_shared_find(m, c, a)) return 0;
    numbers =
        ((uint64_t)telem_i_image_32(m, at + offsetof(struct telem_i_ring_shared, tail_hi)) << 32 | tail) -
        begin;
    if (numbers < voids) a->unknown++;
    else a->overwritten += numbers - voids;
    return 1;
}

static int telem_i_image_shared_next(const telem_i_image *m, telem_i_image_cursor *c, telem_ring_account *a) {
    for (; c->pos != c->end; c->pos = (telem_i_pos)((uint32_t)(c->pos & UINT32_MAX) + 1u)) {
        int what = telem_i_image_number(m, c);
        if (what == TELEM_I_IMAGE_RECORD) return 1;
        if (what == TELEM_I_IMAGE_BAD) a->damaged++;
        else if (what == TELEM_I_IMAGE_OUTSIDE) a->outside++;
        else a->open += c->head;
    }
    return 0;
}

/* -- all lanes -- */

static uint32_t telem_i_image_lanes(const telem_i_image *m) {
    return m->f.lanes + (m->f.shared_units ? 1u : 0);
}

static int telem_i_image_start(const telem_i_image *m, uint32_t i, telem_i_image_cursor *c,
                               telem_ring_account *a) {
    return i == m->f.lanes ? telem_i_image_shared_start(m, c, a) : telem_i_image_lane_start(m, i, c, a);
}
static int telem_i_image_next(const telem_i_image *m, uint32_t i, telem_i_image_cursor *c,
                              telem_ring_account *a) {
    return i == m->f.lanes ? telem_i_image_shared_next(m, c, a) : telem_i_image_lane_next(m, i, c, a);
}
/* c's head record is done with. */
static void telem_i_image_pass(const telem_i_image *m, uint32_t i, telem_i_image_cursor *c) {
    c->has = 0;
    if (i == m->f.lanes) {
        c->pos = (telem_i_pos)((uint32_t)(c->pos & UINT32_MAX) + 1u);
        return;
    }
    c->pos = (c->pos + c->units) & m->mask;
    c->seq = (c->seq + 1u) & m->mask;
}

/* What the lane itself counted. */
static void telem_i_image_counts(const telem_i_image *m, uint32_t i, telem_ring_account *a) {
    size_t at;
    if (i == m->f.lanes) {
        at = m->f.shared_at + TELEM_I_IMAGE_VOIDS(m);
        a->aborted += telem_i_image_count(m, at + TELEM_I_SHARED_OFFSET(aborted));
        a->refused += telem_i_image_count(m, at + TELEM_I_SHARED_OFFSET(refused));
        return;
    }
    at = telem_i_image_lane(m, i);
    a->open += telem_i_image_32(m, at + offsetof(telem_i_ring_tip, open)) != 0;
    at += TELEM_I_IMAGE_FLOOR(m);
    a->aborted += telem_i_image_count(m, at + TELEM_I_LANE_OFFSET(aborted));
    a->refused += telem_i_image_count(m, at + TELEM_I_LANE_OFFSET(refused));
}

/* One lane's part of the account: a walk through all of it. */
static void telem_i_image_sum(const telem_i_image *m, uint32_t i, telem_ring_account *sum) {
    telem_ring_account a = TELEM_ZERO;
    telem_i_image_cursor c;
    if (!telem_i_image_start(m, i, &c, &a)) {
        sum->lanes_lost++;
        return;
    }
    for (; telem_i_image_next(m, i, &c, &a); telem_i_image_pass(m, i, &c)) a.saved++;
    telem_i_image_counts(m, i, &a);
    sum->saved += a.saved, sum->overwritten += a.overwritten, sum->half += a.half;
    sum->damaged += a.damaged, sum->outside += a.outside, sum->unknown += a.unknown;
    sum->open += a.open, sum->refused += a.refused, sum->aborted += a.aborted;
    sum->committed += a.saved + a.overwritten + a.half + a.damaged + a.outside;
}

TELEM_API telem_result telem_ring_attach(telem_ring_image *im, const telem_ring_attach_desc *desc) {
    telem_result res;
    uint32_t i, count;
    if (!im || !desc || !desc->bytes || ((uintptr_t)desc->cursors & 7u) != 0) return TELEM_ERR_ARG;
    memset(im, 0, sizeof *im);
    res = telem_i_image_open(&im->i, desc->bytes, desc->size);
    count = telem_i_image_lanes(&im->i);
    if (res == TELEM_OK &&
        (desc->cursors ? desc->cursors_size < count * sizeof *im->own : count > TELEM_RING_CURSORS))
        res = TELEM_ERR_MEMORY;
    if (res != TELEM_OK) {
        memset(im, 0, sizeof *im);
        return res;
    }
    im->extern_cursors = (telem_i_image_cursor *)desc->cursors;
    for (i = 0; i < count; i++) telem_i_image_sum(&im->i, i, &im->account);
    im->clock.bits = (uint8_t)im->i.f.clock_bits;
    im->clock.domain = (uint8_t)im->i.f.clock_domain;
    im->clock.hz_num = (uint64_t)im->i.f.hz_num[1] << 32 | im->i.f.hz_num[0];
    im->clock.hz_den = im->i.f.hz_den;
    telem_ring_image_rewind(im);
    return TELEM_OK;
}

static telem_i_image_cursor *telem_i_image_cursors(telem_ring_image *im) {
    return im->extern_cursors ? im->extern_cursors : im->own;
}

TELEM_API void telem_ring_image_rewind(telem_ring_image *im) {
    telem_ring_account unused = TELEM_ZERO;
    uint32_t i;
    for (i = 0; i < telem_i_image_lanes(&im->i); i++) {
        telem_i_image_cursor *c = telem_i_image_cursors(im) + i;
        if (!telem_i_image_start(&im->i, i, c, &unused)) memset(c, 0, sizeof *c);
    }
}

TELEM_API uint32_t telem_ring_image_max_record(const telem_ring_image *im) {
    return im ? im->i.f.max_record : 0;
}

TELEM_API telem_result telem_ring_image_read(telem_ring_image *im, telem_ring_record *rec, void *buf,
                                             size_t cap) {
    telem_ring_account unused = TELEM_ZERO;
    telem_i_image_cursor *best = NULL;
    const telem_i_image *m;
    uint32_t i, which = 0;
    if (!im || !im->i.bytes || !rec || (!buf && cap)) return TELEM_ERR_ARG;
    m = &im->i;
    for (i = 0; i < telem_i_image_lanes(m); i++) {
        telem_i_image_cursor *c = telem_i_image_cursors(im) + i;
        if (!c->has) c->has = (uint32_t)telem_i_image_next(m, i, c, &unused);
        if (c->has && (!best || c->time < best->time)) best = c, which = i;
    }
    if (!best) return TELEM_END;
    rec->stream = best->stream, rec->len = best->len, rec->time = best->time;
    rec->lane = which, rec->data = NULL;
    if (best->len > cap) return TELEM_ERR_MEMORY;
    rec->data = buf;
    if (which == m->f.lanes)
        telem_i_image_copy(m, telem_i_image_shared_data(m), m->f.shared_units,
                           (telem_i_pos)best->at + best->head, buf, best->len);
    else
        telem_i_image_copy(m, telem_i_image_lane_data(m, which), m->f.lane_units, best->pos + best->head, buf,
                           best->len);
    telem_i_image_pass(m, which, best);
    return TELEM_OK;
}

/* -- notes: u32 id, length, hash, 0, all little-endian; the data, rounded up to 8 -- */

#define TELEM_I_NOTE_HEAD 16u

/* FNV-1a (Fowler, Noll, Vo) of head and data, never 0. */
static uint32_t telem_i_note_hash(uint32_t id, const uint8_t *data, uint32_t len) {
    uint8_t head[8];
    uint32_t h = 0x811C9DC5u, i;
    telem_put32(head, id);
    telem_put32(head + 4, len);
    for (i = 0; i < 8u; i++) h = (h ^ head[i]) * 0x01000193u;
    for (i = 0; i < len; i++) h = (h ^ data[i]) * 0x01000193u;
    return h ? h : 1u;
}

/* Bytes that the note at p takes; 0: none begins here, or it is damaged (*bad). */
static uint32_t telem_i_note_at(const uint8_t *p, uint32_t room, int *bad) {
    uint32_t len;
    *bad = 0;
    if (room < TELEM_I_NOTE_HEAD || telem_get32(p + 8) == 0) return 0;
    len = telem_get32(p + 4);
    *bad = len > room - TELEM_I_NOTE_HEAD ||
           telem_get32(p + 8) != telem_i_note_hash(telem_get32(p), p + TELEM_I_NOTE_HEAD, len);
    return *bad ? 0 : TELEM_I_NOTE_HEAD + telem_i_ring_units(len) * 8u;
}

TELEM_API telem_result telem_ring_note(telem_ring *ring, uint32_t id, const void *data, uint32_t len) {
    uint32_t at = 0, room, size, hash;
    uint8_t *p, head[4];
    int bad;
    if (!ring || ring->fixed.magic != TELEM_I_RING_MAGIC || (!data && len)) return TELEM_ERR_ARG;
    p = (uint8_t *)telem_i_ring_at(ring, ring->fixed.notes_at);
    room = ring->fixed.notes_bytes & ~7u;
    while ((size = telem_i_note_at(p + at, room - at, &bad)) != 0) at += size;
    if (bad) return TELEM_ERR_CORRUPT;
    if (room - at < TELEM_I_NOTE_HEAD || len > room - at - TELEM_I_NOTE_HEAD) return TELEM_ERR_SPACE;
    p += at;
    hash = telem_i_note_hash(id, (const uint8_t *)data, len);
    if (len) memcpy(p + TELEM_I_NOTE_HEAD, data, len);
    telem_put32(p, id);
    telem_put32(p + 4, len);
    telem_put32(head, hash);
    memcpy(&hash, head, sizeof hash);
    TELEM_STORE32_RELEASE((telem_atomic32 *)(void *)(p + 8), hash); /* E0: makes it a note */
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_image_note(const telem_ring_image *im, uint32_t index,
                                             telem_ring_note_info *note) {
    uint32_t at = 0, size, room;
    const uint8_t *p;
    int bad;
    if (!im || !im->i.bytes || !note) return TELEM_ERR_ARG;
    if (im->i.f.notes_at > im->i.size) return TELEM_END;
    p = im->i.bytes + im->i.f.notes_at;
    room = im->i.f.notes_bytes & ~7u;
    if (room > im->i.size - im->i.f.notes_at) room = (uint32_t)(im->i.size - im->i.f.notes_at) & ~7u;
    while ((size = telem_i_note_at(p + at, room - at, &bad)) != 0 && index-- > 0) at += size;
    if (size == 0) return bad ? TELEM_ERR_CORRUPT : TELEM_END;
    note->id = telem_get32(p + at);
    note->len = telem_get32(p + at + 4u);
    note->data = p + at + TELEM_I_NOTE_HEAD;
    return TELEM_OK;
}

/* >>resume  One thread, nobody else: plain repairs, whose words attach can read at any moment. */

static void telem_i_count_more(telem_i_ring_count *c, uint64_t n) {
    n += telem_i_count_get(c);
    TELEM_STORE32_RELAXED(&c->lo, (uint32_t)(n & UINT32_MAX));
    TELEM_STORE32_RELAXED(&c->hi, (uint32_t)(n >> 32));
}

static void telem_i_resume_anchor(telem_ring *r, telem_i_ring_lane *l, telem_i_pos at, telem_i_pos skip,
                                  uint32_t hi, telem_i_pos seq) {
    telem_i_ring_anchor *a = telem_i_ring_anchor_at(r, l, at >> r->fixed.block_log2);
    TELEM_STORE32_RELAXED(&a->skip, (uint32_t)(skip & UINT32_MAX));
    TELEM_STORE32_RELAXED(&a->hi, hi);
    TELEM_I_POS_SET_RELAXED(&a->seq, seq);
}
/* The anchors that a sound record sets: one may have been wrong. `from`: where its entries begin. */
static void telem_i_resume_anchors(telem_ring *r, telem_i_ring_lane *l, const telem_i_image_cursor *from,
                                   const telem_i_image_cursor *c) {
    telem_i_pos at = telem_i_pos_up(from->pos, r->fixed.block_units), end = c->pos + c->units;
    for (; (telem_i_spos)(end - at) > 0; at += r->fixed.block_units) {
        if (at == from->pos) telem_i_resume_anchor(r, l, at, 0, from->hi, from->seq);
        else telem_i_resume_anchor(r, l, at, end - at, c->hi, c->seq + 1u);
    }
}

static void telem_i_resume_count(telem_i_ring_lane *l, uint64_t count, telem_i_pos seq) {
#if !TELEM_HAS_ATOMIC64
    TELEM_STORE32_RELAXED(&l->count_hi, (uint32_t)(count >> 32));
    TELEM_STORE32_RELAXED(&l->count_at, seq);
#endif
    (void)count;
    TELEM_I_POS_SET_RELAXED(&l->tip.count, seq);
}

static void telem_i_resume_lane(telem_ring *r, const telem_i_image *m, uint32_t i) {
    telem_i_ring_lane *l = telem_i_ring_lane_at(r, i);
    telem_ring_account a = TELEM_ZERO;
    telem_i_image_cursor c, keep, from;
    telem_i_pos block;
    uint64_t count = telem_i_image_lane_count(m, i), lost, ahead;
    if (!telem_i_image_lane_start(m, i, &c, &a)) {
        memset(l, 0, r->fixed.lane_stride - (size_t)r->fixed.lane_units * 8u);
        telem_i_ring_lane_start(r, i);
        return;
    }
    lost = a.unknown;
    keep = from = c;
    for (; telem_i_image_lane_next(m, i, &c, &a); telem_i_image_pass(m, i, &c), from = c) {
        l->clock_last = c.time, l->clock_started = 1; /* a narrow clock goes on from here */
        if (a.damaged + a.outside + a.unknown != lost) keep = from = c;
        lost = a.damaged + a.outside + a.unknown;
        telem_i_resume_anchors(r, l, &from, &c);
    }
    if (a.damaged + a.outside + a.unknown != lost) keep = c;
    block = keep.pos & ~(telem_i_pos)(r->fixed.block_units - 1u);
    if (c.end - block > r->fixed.lane_units) { /* a gate's records whose anchor has no room left */
        if (!telem_i_image_anchor(m, i, keep.pos + 1u, c.end, &keep)) keep = c;
        block = keep.pos & ~(telem_i_pos)(r->fixed.block_units - 1u);
    }
    telem_i_resume_anchor(r, l, block, keep.pos - block, keep.hi, keep.seq);
    TELEM_I_POS_SET_RELEASE(&l->floor, block); /* E0 */
    ahead = telem_i_image_diff(m, (telem_i_pos)count, c.seq);
    telem_i_resume_count(l, ahead <= count && ahead < r->fixed.lane_units ? count - ahead : c.seq, c.seq);
    telem_i_count_more(&l->aborted, a.open + (TELEM_LOAD32_RELAXED(&l->tip.open) != 0));
    TELEM_STORE32_RELAXED(&l->tip.open, 0);
    TELEM_STORE32_RELAXED(&l->time_hi, c.hi);
    TELEM_STORE32_RELEASE(&l->owner, 0); /* E0 */
}

/* Are all numbers of the ring what writers rely on: taken up to the head, and of the lap before
   behind it; are the spans no longer than the ring? */
static int telem_i_resume_is_sound(const telem_i_image *m, telem_i_image_cursor c, telem_ring_account *a) {
    uint32_t tail = (uint32_t)(c.pos & UINT32_MAX), head = (uint32_t)(c.end & UINT32_MAX), n, start, first,
             state;
    int is;
    for (; telem_i_image_shared_next(m, &c, a); telem_i_image_pass(m, m->f.lanes, &c)) {
    }
    if (a->damaged || a->outside || a->unknown) return 0;
    for (n = head - m->f.shared_records; n != tail; n++) {
        (void)telem_i_image_state(m, n, &start, &is);
        if (!is) return 0;
    }
    (void)telem_i_image_state(m, tail, &first, &is);
    state = telem_i_image_state(m, head - 1u, &start, &is);
    return head == tail || start + telem_i_image_extent(m, state) - first <= m->f.shared_units;
}

static void telem_i_resume_shared(telem_ring *r, const telem_i_image *m) {
    telem_i_ring_shared *s = telem_i_ring_shared_of(r);
    telem_ring_account a = TELEM_ZERO;
    telem_i_image_cursor c;
    uint32_t i;
    if (!telem_i_image_shared_start(m, &c, &a) || !telem_i_resume_is_sound(m, c, &a)) {
        memset(s, 0, telem_i_image_shared_data(m) - m->f.shared_at);
        telem_i_ring_shared_start(r);
        return;
    }
    for (i = 0; i < r->fixed.shared_records; i++) { /* whoever was inside a span is gone */
        telem_i_ring_descriptor *d = telem_i_shared_desc(r, s, i);
        uint32_t start, state = telem_i_desc_load(d, &start), what = state & TELEM_I_STATE;
        if (what == TELEM_I_RESERVED || what == TELEM_I_REVOKED) what = TELEM_I_VOID;
        if (what == TELEM_I_ZOMBIE) what = TELEM_I_GONE;
        telem_i_desc_set(d, (state & ~TELEM_I_STATE) | what, start);
    }
    memset(s->parking, 0, sizeof s->parking);
    TELEM_STORE32_RELAXED(&s->parked, 0);
    TELEM_STORE32_RELAXED(&s->cleared, (uint32_t)(c.pos & UINT32_MAX));
    TELEM_STORE32_RELAXED(&s->hint, (uint32_t)(c.end & UINT32_MAX));
    telem_i_count_more(&s->aborted, a.open);
}

/* The clock must be the one that made the stamps. */
static telem_result telem_i_resume_clock(telem_ring *plan, const telem_i_ring_fixed *f,
                                         const telem_clock *clock) {
    telem_ring_desc d = TELEM_ZERO;
    telem_result res;
    d.clock = clock;
    d.stall = (uint64_t)f->stall[1] << 32 | f->stall[0];
    memset(plan, 0, sizeof *plan);
    res = telem_i_ring_init_clock(plan, &d);
    if (res != TELEM_OK) return res;
    if (plan->fixed.clock_bits != f->clock_bits || plan->fixed.clock_domain != f->clock_domain ||
        plan->fixed.hz_den != f->hz_den || memcmp(plan->fixed.hz_num, f->hz_num, sizeof f->hz_num) != 0)
        return TELEM_ERR_MISMATCH;
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_resume(telem_ring **ring, void *memory, size_t memory_size,
                                         const telem_clock *clock, telem_ring_account *account) {
    telem_ring_account sum = TELEM_ZERO;
    telem_i_image m;
    telem_ring plan, *r;
    telem_result res;
    uint32_t i;
    if (!ring || !memory || ((uintptr_t)memory & 7u) != 0) return TELEM_ERR_ARG;
    res = telem_i_image_open(&m, memory, memory_size);
    if (res == TELEM_OK && (m.wide != TELEM_HAS_ATOMIC64 || memcmp(memory, &m.f, sizeof m.f) != 0))
        res = TELEM_ERR_UNSUPPORTED;
    if (res == TELEM_OK && m.f.bytes > memory_size) res = TELEM_ERR_MEMORY;
    if (res == TELEM_OK) res = telem_i_resume_clock(&plan, &m.f, clock);
    if (res != TELEM_OK) return res;
    for (i = 0; i < telem_i_image_lanes(&m); i++) telem_i_image_sum(&m, i, &sum);
    r = (telem_ring *)memory;
    r->clock = plan.clock;
    r->stall = plan.stall;
    for (i = 0; i < r->fixed.lanes; i++) telem_i_resume_lane(r, &m, i);
    if (TELEM_I_HAS_SHARED && r->fixed.shared_units) telem_i_resume_shared(r, &m);
    for (i = 0; i < r->fixed.readers; i++) {
        telem_i_ring_slot *slot = telem_i_ring_slot_at(r, i);
        TELEM_STORE32_RELEASE(&slot->state, (TELEM_LOAD32_RELAXED(&slot->state) & ~3u) + 4u); /* E0 */
    }
    if (account) *account = sum;
    *ring = r;
    return TELEM_OK;
}

/* >>trigger  A trigger is a gating reader that joins when it fires: nothing is copied, and until
   then no writer does anything for it. */

#define TELEM_I_TRIGGER_ARMED 0u
#define TELEM_I_TRIGGER_FIRING 1u /* whoever set this is at work on the fields */
#define TELEM_I_TRIGGER_FIRED 2u

TELEM_API telem_result telem_ring_trigger_init(telem_ring_trigger *t, telem_ring *ring,
                                               const telem_ring_trigger_desc *desc) {
    if (t) memset(t, 0, sizeof *t);
    if (!t || !ring || ring->fixed.magic != TELEM_I_RING_MAGIC || ring->fixed.policy != TELEM_RING_REFUSE)
        return TELEM_ERR_ARG;
    if (desc && ((uintptr_t)desc->cursors & 7u) != 0) return TELEM_ERR_ARG;
    if (desc) t->desc = *desc;
    if (!telem_i_reader_fits(ring, t->desc.cursors, t->desc.cursors_size)) return TELEM_ERR_MEMORY;
    t->ring = ring;
    return TELEM_OK;
}

/* Records before the reader's place, over all lanes, mod 2^32. */
static uint32_t telem_i_trigger_place(const telem_ring_reader *rd) {
    uint32_t i, sum = 0;
    for (i = 0; i < rd->count; i++) {
        const telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
        sum += telem_i_reader_is_shared(rd, i) ? (uint32_t)(c->pos & UINT32_MAX) - c->voids
                                               : (uint32_t)(c->seq & UINT32_MAX);
    }
    return sum;
}

/* The gate goes up to an anchor that leaves `keep` records before number `from`: what is older makes
   room for what is to come. Nothing above the gate changes meanwhile. */
static void telem_i_trigger_trim_lane(telem_ring_reader *rd, uint32_t i, telem_i_pos from, uint32_t keep) {
    telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
    telem_i_ring_lane *l = telem_i_ring_lane_at(rd->ring, i);
    telem_i_pos step = rd->ring->fixed.block_units, at = telem_i_pos_up(c->pos + 1u, step);
    telem_i_pos end = TELEM_I_POS_ACQUIRE(&l->tip.committed); /* E1 */
    for (; (telem_i_spos)(end - at) > 0; at += step) {
        telem_i_ring_anchor *a = telem_i_ring_anchor_at(rd->ring, l, at >> rd->ring->fixed.block_log2);
        telem_i_lane_place p;
        p.pos = at + TELEM_LOAD32_RELAXED(&a->skip);
        p.seq = TELEM_I_POS_RELAXED(&a->seq);
        p.hi = TELEM_LOAD32_RELAXED(&a->hi);
        if ((telem_i_spos)(from - p.seq) < (telem_i_spos)keep) break;
        telem_i_cursor_place(c, &p);
        c->seq = p.seq;
    }
    telem_i_reader_gate(rd, i, c->pos);
}
static void telem_i_trigger_trim_shared(telem_ring_reader *rd, uint32_t i, uint32_t from, uint32_t keep) {
    telem_i_ring_cursor *c = telem_i_reader_cursors(rd) + i;
    telem_i_ring_shared *s = telem_i_ring_shared_of(rd->ring);
    uint32_t n = (uint32_t)(c->pos & UINT32_MAX), to, state;
    for (to = from; (int32_t)(to - n) > 0 && keep > 0; to--)
        keep -= (telem_i_desc_state(telem_i_shared_desc(rd->ring, s, to - 1u)) & TELEM_I_STATE) ==
                TELEM_I_COMMITTED;
    for (; (int32_t)(to - n) > 0; n++) {
        state = telem_i_desc_state(telem_i_shared_desc(rd->ring, s, n)) & TELEM_I_STATE;
        if (state == TELEM_I_RESERVED) break; /* it may yet become one of those to keep */
        c->voids += state != TELEM_I_COMMITTED;
    }
    c->pos = (telem_i_pos)n;
    telem_i_reader_gate(rd, i, c->pos);
}
static void telem_i_trigger_trim(telem_ring_trigger *t, const telem_ring_reader *watch) {
    uint32_t i;
    for (i = 0; i < t->hold.count; i++) {
        const telem_i_ring_cursor *w = watch ? telem_i_reader_cursors(watch) + i : NULL;
        if (telem_i_reader_is_shared(&t->hold, i))
            telem_i_trigger_trim_shared(&t->hold, i,
                                        w ? (uint32_t)(w->pos & UINT32_MAX)
                                          : telem_i_shared_find(t->ring, telem_i_ring_shared_of(t->ring)),
                                        t->desc.before);
        else
            telem_i_trigger_trim_lane(&t->hold, i,
                                      w ? (telem_i_pos)w->seq
                                        : TELEM_I_POS_RELAXED(&telem_i_ring_lane_at(t->ring, i)->tip.count),
                                      t->desc.before);
    }
}

/* watch (or NULL): a reader whose head record is the first of `after`. */
static telem_result telem_i_trigger_fire(telem_ring_trigger *t, int64_t time,
                                         const telem_ring_reader *watch) {
    telem_ring_reader_desc d = TELEM_ZERO;
    telem_ring_reader_counts n = TELEM_ZERO;
    uint32_t armed = TELEM_I_TRIGGER_ARMED;
    uint64_t before;
    telem_result res;
    if (!TELEM_CAS32(&t->state, &armed, TELEM_I_TRIGGER_FIRING)) return TELEM_ERR_EXISTS; /* E14 */
    d.gating = 1;
    d.timeout = t->desc.timeout;
    d.cursors = t->desc.cursors, d.cursors_size = t->desc.cursors_size;
    res = telem_ring_reader_init(&t->hold, t->ring, &d);
    if (res == TELEM_OK) {
        if (t->desc.before) telem_i_trigger_trim(t, watch);
        (void)telem_ring_reader_stats(&t->hold, &n);
        before = n.queued;
        if (watch) before = telem_i_trigger_place(watch) - telem_i_trigger_place(&t->hold);
        if (before > UINT32_MAX / 2u) before = 0; /* all of it has been overwritten already */
        t->skip = t->desc.before && before > t->desc.before ? (uint32_t)before - t->desc.before : 0;
        t->left = t->desc.after ? before - t->skip + t->desc.after : UINT64_MAX;
        t->time = time;
    }
    armed = res == TELEM_OK ? TELEM_I_TRIGGER_FIRED : TELEM_I_TRIGGER_ARMED;
    TELEM_STORE32_RELEASE(&t->state, armed); /* E14 */
    return res;
}

TELEM_API telem_result telem_ring_trigger_fire(telem_ring_trigger *t, int64_t time) {
    return t && t->ring ? telem_i_trigger_fire(t, time, NULL) : TELEM_ERR_ARG;
}

TELEM_API telem_result telem_ring_trigger_watch(telem_ring_trigger *t, telem_ring_reader *watch,
                                                telem_ring_record *rec) {
    telem_ring_record hit;
    telem_result res;
    if (!t || !t->ring || !watch || watch->ring != t->ring || !rec) return TELEM_ERR_ARG;
    res = telem_ring_peek(watch, &hit);
    if (res != TELEM_OK) return res;
    telem_i_reader_settle(watch);
    res = telem_i_trigger_fire(t, hit.time, watch);
    if (res != TELEM_OK && res != TELEM_ERR_EXISTS) return res;
    (void)telem_ring_release(watch);
    if (res != TELEM_OK) return res;
    hit.data = NULL;
    *rec = hit;
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_trigger_read(telem_ring_trigger *t, telem_ring_record *rec, void *buf,
                                               size_t cap) {
    telem_ring_record got;
    telem_result res;
    if (!t || !t->ring || !rec) return TELEM_ERR_ARG;
    if (TELEM_LOAD32_ACQUIRE(&t->state) != TELEM_I_TRIGGER_FIRED) return TELEM_EMPTY; /* E14 */
    while (t->left > 0) {
        res = telem_ring_read(&t->hold, &got, buf, cap);
        if (res == TELEM_ERR_MEMORY) *rec = got;
        if (res != TELEM_OK) return res;
        if (t->skip > 0) {
            t->skip--;
            continue;
        }
        if (t->left != UINT64_MAX) t->left--;
        if (t->desc.before_ticks && got.time < t->time &&
            (uint64_t)t->time - (uint64_t)got.time > t->desc.before_ticks)
            continue;
        if (t->desc.after_ticks && got.time > t->time &&
            (uint64_t)got.time - (uint64_t)t->time > t->desc.after_ticks)
            t->left = 0;
        else {
            *rec = got;
            return TELEM_OK;
        }
    }
    return TELEM_END;
}

TELEM_API void telem_ring_trigger_arm(telem_ring_trigger *t) {
    if (!t || !t->ring || TELEM_LOAD32_ACQUIRE(&t->state) != TELEM_I_TRIGGER_FIRED) return; /* E14 */
    telem_ring_reader_deinit(&t->hold);
    TELEM_STORE32_RELEASE(&t->state, TELEM_I_TRIGGER_ARMED); /* E14 */
}

/* >>small  One core: whoever interrupts has ended before the interrupted goes on, and sees its stores in
   program order. Words: at and end are the writer's (shared: with interrupts masked); from, with
   interrupts masked where writers move it, too. Records lie in [from, at), or, when at < from, in
   [from, bytes) and [start, at); TELEM_I_SMALL_WRAP says that the rest up to `bytes` is empty. at equals
   from only when there is none: a writer that came round stops 8 bytes before. A record's first word
   may change from OPEN to committed or VOID, by who began it. */

#define TELEM_I_SMALL_MAGIC 0x6C6D7374u /* "tsml" */
#define TELEM_I_SMALL_WRAP UINT32_MAX
#define TELEM_I_SMALL_START ((uint32_t)sizeof(telem_ring_small))

static uint32_t telem_i_small_size(uint32_t word) {
    return 8u + (((word & TELEM_I_SMALL_LENGTH) + 7u) & ~7u);
}
/* Without memcpy, which takes more flash than all that is here. */
static void telem_i_small_copy(telem_i_ring_cell *to, const void *data, uint32_t n) {
    const char *p = (const char *)data;
    char *q;
    if (TELEM_I_CELL_FITS(p))
        for (; n >= sizeof *to; n -= (uint32_t)sizeof *to, p += sizeof *to)
            telem_i_cell_put(to++, p, sizeof *to, 0);
    for (q = (char *)(void *)to; n > 0; n--) {
        *q++ = *p++;
        TELEM_I_SMALL_ORDER(); /* gcc would call memcpy */
    }
}
static int telem_i_small_is_open(uint32_t word) {
    return (word & (TELEM_I_SMALL_OPEN | TELEM_I_SMALL_VOID)) == TELEM_I_SMALL_OPEN;
}
static uint32_t telem_i_small_word(const telem_ring_small *r, uint32_t at, uint32_t *time) {
    uint32_t word;
    telem_i_pair_get(telem_i_small_cell(r, at), &word, time);
    return word;
}

/* The record at `from` or, at the end of the room, the one at the front; 0: there is none. */
static uint32_t telem_i_small_find(const telem_ring_small *r, uint32_t from, uint32_t *word, uint32_t *time) {
    uint32_t at = TELEM_LOAD32_RELAXED(&r->at);
    TELEM_I_SMALL_ORDER(); /* what lies before at is read behind it */
    if (from == at) return 0;
    *word = TELEM_I_SMALL_WRAP;
    if (from < r->bytes) *word = telem_i_small_word(r, from, time);
    if (*word != TELEM_I_SMALL_WRAP) return from;
    if (at == TELEM_I_SMALL_START) return 0;
    *word = telem_i_small_word(r, TELEM_I_SMALL_START, time);
    return TELEM_I_SMALL_START;
}

/* 32 bits extended by the latest record's stamp, which after a reset may be anything. */
static int64_t telem_i_small_time(const telem_ring_small *r, uint32_t time) {
    uint64_t latest = (uint64_t)r->time;
    return (int64_t)(latest + (uint64_t)(int64_t)(int32_t)(time - (uint32_t)(latest & UINT32_MAX)));
}

#define TELEM_I_SMALL_MIN (TELEM_I_SMALL_START + 160u) /* the inline pushes rely on it: 64 bytes always fit */
static void telem_i_small_limit(telem_ring_small *r) {
    r->most = ((r->bytes - TELEM_I_SMALL_START) / 2u - 8u) & ~7u; /* fits wherever an empty ring stands */
    if (r->most > 8u + 0x3FF0u) r->most = 8u + 0x3FF0u;
}

TELEM_API telem_result telem_ring_small_init(telem_ring_small **ring, void *memory, size_t size,
                                             uint32_t policy, int64_t now) {
    telem_ring_small *r = (telem_ring_small *)memory;
    uint32_t at;
    if (!ring || !r || ((uintptr_t)r & 7u) != 0 || size > 1u << 30 || policy > TELEM_RING_OVERWRITE)
        return TELEM_ERR_ARG;
    if (size < TELEM_I_SMALL_MIN) return TELEM_ERR_MEMORY;
    if (policy == TELEM_RING_OVERWRITE && !TELEM_RING_SMALL_SHARED) return TELEM_ERR_UNSUPPORTED;
    for (at = 0; at < TELEM_I_SMALL_START; at += 8u) telem_i_pair_put(telem_i_small_cell(r, at), 0, 0);
    r->bytes = (uint32_t)size & ~7u;
    r->policy = policy;
    telem_i_small_limit(r);
    r->end = r->bytes;
    r->time = now;
    TELEM_STORE32_RELAXED(&r->from, TELEM_I_SMALL_START);
    TELEM_STORE32_RELAXED(&r->at, TELEM_I_SMALL_START);
    TELEM_I_SMALL_ORDER();
    r->magic = TELEM_I_SMALL_MAGIC;
    *ring = r;
    return TELEM_OK;
}

/* Takes the oldest records away, each in a masked stretch of its own: 256 bytes, or an eighth of the room, so
   that not every push comes here. 0: there is none, or it is open. */
static int telem_i_small_drop(telem_ring_small *r) {
    uint32_t at, word, time, mask, size, freed = 0;
    do {
        size = 0;
        TELEM_I_SMALL_ENTER(mask);
        at = telem_i_small_find(r, TELEM_LOAD32_RELAXED(&r->from), &word, &time);
        if (at && !telem_i_small_is_open(word)) {
            uint64_t *count = word & TELEM_I_SMALL_VOID ? &r->aborted : &r->lost;
            (*count)++;
            size = telem_i_small_size(word);
            TELEM_STORE32_RELAXED(&r->from, at + size);
            TELEM_STORE32_RELAXED(&r->taken, TELEM_LOAD32_RELAXED(&r->taken) + 1u);
        }
        TELEM_I_SMALL_EXIT(mask);
        freed += size;
    } while (size && freed < 256u && freed < r->bytes / 8u);
    return freed != 0;
}

/* Room for n bytes in one piece at r->at. */
static int telem_i_small_room(telem_ring_small *r, uint32_t n) {
    for (;;) {
        uint32_t at = TELEM_LOAD32_RELAXED(&r->at), from = TELEM_LOAD32_RELAXED(&r->from);
        r->end = from > at ? from - 8u : r->bytes;
        if (r->end - at >= n) return 1;
        if (from > at || TELEM_I_SMALL_START + n + 8u > from) return 0;
        if (at < r->bytes) telem_i_pair_put(telem_i_small_cell(r, at), TELEM_I_SMALL_WRAP, 0);
        TELEM_I_SMALL_ORDER();
        TELEM_STORE32_RELAXED(&r->at, TELEM_I_SMALL_START);
    }
}

/* AGAIN: no room, and the oldest may go. */
static telem_result telem_i_small_write(telem_ring_small *r, uint32_t stream, uint32_t time, const void *data,
                                        uint32_t len, void **span, int may_drop) {
    uint32_t n = 8u + ((len + 7u) & ~7u), at = TELEM_LOAD32_RELAXED(&r->at);
    telem_i_ring_cell *to;
    if (r->end - at < n && !telem_i_small_room(r, n)) {
        if (may_drop) return TELEM_AGAIN;
        if (r->refused++ == 0) r->refused_stream = stream, r->refused_first = time;
        if (r->refused_stream != stream) r->refused_stream = TELEM_RING_MANY;
        r->refused_last = time;
        return TELEM_FULL;
    }
    at = TELEM_LOAD32_RELAXED(&r->at);
    to = telem_i_small_cell(r, at);
    telem_i_pair_put(to, stream << 16 | len | (span ? TELEM_I_SMALL_OPEN : 0), time);
    if (span) *span = (void *)(to + TELEM_I_CELLS);
    else telem_i_small_copy(to + TELEM_I_CELLS, data, len);
    TELEM_I_SMALL_ORDER();
    TELEM_STORE32_RELAXED(&r->at, at + n);
    return TELEM_OK;
}
/* shared: masked while it writes, but not while it takes old records away. */
TELEM_I_INLINE telem_result telem_i_small_offer(telem_ring_small *r, uint32_t stream, uint32_t time,
                                                const void *data, uint32_t len, void **span, int shared) {
    int may_drop = r->policy == TELEM_RING_OVERWRITE;
    uint32_t mask = 0;
    telem_result res;
    if (stream > 0xFFFFu) return TELEM_ERR_ARG;
    if (len > r->most - 8u) return TELEM_ERR_LIMIT;
    for (;;) {
        if (shared) TELEM_I_SMALL_ENTER(mask);
        res = telem_i_small_write(r, stream, time, data, len, span, may_drop);
        if (shared) TELEM_I_SMALL_EXIT(mask);
        if (res != TELEM_AGAIN) return res;
        may_drop = telem_i_small_drop(r);
    }
}

TELEM_API telem_result telem_ring_small_push(telem_ring_small *r, uint32_t stream, uint32_t time,
                                             const void *data, uint32_t len) {
    return telem_i_small_offer(r, stream, time, data, len, NULL, 0);
}
TELEM_API telem_result telem_ring_small_begin(telem_ring_small *r, uint32_t stream, uint32_t time,
                                              uint32_t len, void **span) {
    return telem_i_small_offer(r, stream, time, NULL, len, span, 0);
}
#if TELEM_RING_SMALL_SHARED
TELEM_API telem_result telem_ring_small_push_shared(telem_ring_small *r, uint32_t stream, uint32_t time,
                                                    const void *data, uint32_t len) {
    return telem_i_small_offer(r, stream, time, data, len, NULL, 1);
}
TELEM_API telem_result telem_ring_small_begin_shared(telem_ring_small *r, uint32_t stream, uint32_t time,
                                                     uint32_t len, void **span) {
    return telem_i_small_offer(r, stream, time, NULL, len, span, 1);
}
#endif

static telem_result telem_i_small_ended(void *span, uint32_t flip) {
    telem_i_ring_cell *head = (telem_i_ring_cell *)span - TELEM_I_CELLS;
    uint32_t word, time;
    telem_i_pair_get(head, &word, &time);
    if (!telem_i_small_is_open(word)) return TELEM_ERR_STATE;
    TELEM_I_SMALL_ORDER(); /* the payload is there before the record is */
    telem_i_pair_put(head, word ^ flip, time);
    return TELEM_OK;
}
TELEM_API telem_result telem_ring_small_commit(void *span) {
    return telem_i_small_ended(span, TELEM_I_SMALL_OPEN);
}
TELEM_API telem_result telem_ring_small_abort(void *span) {
    return telem_i_small_ended(span, TELEM_I_SMALL_OPEN | TELEM_I_SMALL_VOID);
}

/* Gives back what lies before `next`, unless a writer has taken it. */
static int telem_i_small_pass(telem_ring_small *r, uint32_t next, uint64_t *count) {
    uint32_t mask;
    int is;
    TELEM_I_SMALL_ENTER(mask);
    is = TELEM_LOAD32_RELAXED(&r->taken) == r->seen;
    if (is) {
        (*count)++;
        TELEM_STORE32_RELAXED(&r->from, next);
    }
    TELEM_I_SMALL_EXIT(mask);
    return is;
}

TELEM_API telem_result telem_ring_small_peek(telem_ring_small *r, telem_ring_record *rec) {
    uint32_t at, word, time;
    for (;;) {
        r->next = 0;
        r->seen = TELEM_LOAD32_RELAXED(&r->taken);
        TELEM_I_SMALL_ORDER();
        at = telem_i_small_find(r, TELEM_LOAD32_RELAXED(&r->from), &word, &time);
        TELEM_I_SMALL_ORDER(); /* the words are those of a record if nothing was taken up to here */
        if (TELEM_LOAD32_RELAXED(&r->taken) != r->seen) continue;
        if (at == 0 || telem_i_small_is_open(word)) return TELEM_EMPTY;
        r->next = at + telem_i_small_size(word);
        if (!(word & TELEM_I_SMALL_VOID)) break;
        (void)telem_i_small_pass(r, r->next, &r->aborted);
    }
    r->time = telem_i_small_time(r, time);
    rec->stream = word >> 16;
    rec->len = word & TELEM_I_SMALL_LENGTH;
    rec->time = r->time;
    rec->data = (const char *)r + at + 8u;
    rec->lane = 0;
    return TELEM_OK;
}

TELEM_API telem_result telem_ring_small_release(telem_ring_small *r) {
    uint32_t next = r->next;
    if (next == 0) return TELEM_ERR_STATE;
    r->next = 0;
    return telem_i_small_pass(r, next, &r->delivered) ? TELEM_OK : TELEM_EXPELLED;
}

TELEM_API void telem_ring_small_stats(const telem_ring_small *r, telem_ring_counts *counts,
                                      telem_ring_reader_counts *reader) {
    telem_ring_counts c = TELEM_ZERO;
    telem_ring_reader_counts n = TELEM_ZERO;
    uint32_t from, at, word, time, mask;
    TELEM_I_SMALL_ENTER(mask);
    c.refused = r->refused, c.aborted = r->aborted;
    n.delivered = r->delivered, n.lost = r->lost;
    for (from = TELEM_LOAD32_RELAXED(&r->from); (at = telem_i_small_find(r, from, &word, &time)) != 0;
         from = at + telem_i_small_size(word)) {
        if (word & TELEM_I_SMALL_OPEN) c.open++;
        else if (word & TELEM_I_SMALL_VOID) c.aborted++;
        else n.queued++;
    }
    c.refused_stream = r->refused ? r->refused_stream : TELEM_RING_MANY;
    c.refused_first = telem_i_small_time(r, r->refused_first);
    c.refused_last = telem_i_small_time(r, r->refused_last);
    TELEM_I_SMALL_EXIT(mask);
    c.committed = n.delivered + n.lost + n.queued;
    c.offered = c.committed + c.refused + c.aborted + c.open;
    if (counts) *counts = c;
    if (reader) *reader = n;
}

/* Do the records of a ring that survived lead from `from` to `at`? Open ones become void. */
static int telem_i_small_is_sound(telem_ring_small *r) {
    uint32_t at = TELEM_LOAD32_RELAXED(&r->at), from = TELEM_LOAD32_RELAXED(&r->from), word, time, end;
    int wrapped = at >= from;
    if (((at | from) & 7u) != 0 || at < TELEM_I_SMALL_START || from < TELEM_I_SMALL_START || at > r->bytes ||
        from > r->bytes)
        return 0;
    while (from != at) {
        word = TELEM_I_SMALL_WRAP, time = 0;
        if (from < r->bytes) word = telem_i_small_word(r, from, &time);
        if (word == TELEM_I_SMALL_WRAP) {
            if (wrapped++) return 0;
            from = TELEM_I_SMALL_START;
            if (from == at) TELEM_STORE32_RELAXED(&r->from, from); /* nothing there: room from the front on */
            continue;
        }
        end = wrapped ? at : r->bytes;
        if (telem_i_small_size(word) > end - from) return 0;
        if (word & TELEM_I_SMALL_OPEN)
            telem_i_pair_put(telem_i_small_cell(r, from),
                             (word & ~TELEM_I_SMALL_OPEN) | TELEM_I_SMALL_VOID, time);
        from += telem_i_small_size(word);
    }
    return wrapped != 0;
}

TELEM_API telem_result telem_ring_small_attach(telem_ring_small **ring, void *memory, size_t size) {
    telem_ring_small *r = (telem_ring_small *)memory;
    if (!ring || !r || ((uintptr_t)r & 7u) != 0) return TELEM_ERR_ARG;
    if (size < TELEM_I_SMALL_MIN || r->magic != TELEM_I_SMALL_MAGIC) return TELEM_ERR_NOT_FOUND;
    if (r->bytes != ((uint32_t)size & ~7u) || r->policy > TELEM_RING_OVERWRITE || !telem_i_small_is_sound(r))
        return TELEM_ERR_CORRUPT;
    if (r->policy == TELEM_RING_OVERWRITE && !TELEM_RING_SMALL_SHARED) return TELEM_ERR_UNSUPPORTED;
    telem_i_small_limit(r);
    r->end = TELEM_LOAD32_RELAXED(&r->at); /* the first record asks for room */
    r->next = 0;
    *ring = r;
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
