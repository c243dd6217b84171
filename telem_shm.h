/* telem_shm.h - v0.1 - live frames between processes in shared memory - C99 and C++11 - MIT (end of file)

   USE
       In ONE .c (or .cc) file, before the include:

           #define TELEM_IMPLEMENTATION
           #include "telem_shm.h"

       Everywhere else include it without the define. Needs telem.h and telem_schema.h beside it and,
       where the implementation is compiled, xxhash.h. No malloc, no threads, no daemon. Linux and
       Windows; anywhere else over memory that the caller maps himself (TELEM_SHM_MEMORY).
       A strict -std=c99 on Linux wants _POSIX_C_SOURCE 200809L before the first system header.

   QUICK START (as two programs: examples/shm_publisher.c and examples/shm_reader.c)

       #define TELEM_IMPLEMENTATION
       #include "telem_shm.h"
       #include <stdio.h>

       int main(void) {
           static telem_shm shm;
           static telem_shm_writer w;
           static telem_shm_reader r;
           telem_shm_desc d = TELEM_ZERO;
           telem_shm_attach_desc a = TELEM_ZERO;
           telem_shm_frame f;
           float sample[3] = {0.5f, 0.0f, 9.81f};
           d.name = a.name = "imu";                // 64 frames of at most 48 bytes; d.payload: larger

           if (telem_shm_create(&shm, &d) != TELEM_OK) return 1; // or takes over what a dead one left
           if (telem_shm_writer_init(&w, &shm, NULL) != TELEM_OK) return 1;
           if (telem_shm_reader_open(&r, &a, NULL) != TELEM_OK) return 1;  // in any other program

           telem_shm_publish(&w, 1, TELEM_SHM_NOW, sample, sizeof sample); // to all readers
           while (telem_shm_wait(&r, 100000000) == TELEM_OK)     // 100 ms without a frame: EMPTY
               while (telem_shm_next(&r, &f) == TELEM_OK)
                   printf("stream %u: %u bytes\n", (unsigned)f.stream, (unsigned)f.len);

           telem_shm_reader_close(&r);
           telem_shm_writer_deinit(&w);
           telem_shm_detach(&shm);                 // the owner: readers are told
           return 0;
       }

   GUARANTEES AND LIMITS (each with the test that proves it; tests/test_shm.c unless named)
       - A frame is delivered whole or not at all, in order; what was overwritten is counted exactly.
                                            every_size_arrives_whole_in_every_kind_of_slot
                                            slow_reader_knows_exactly_how_many_it_lost
                                            loss_is_told_with_the_stamps_around_it
       - A pinned slot stays as it is; without a free one begin and publish answer TELEM_AGAIN.
                                            pinned_slot_is_not_reused, no_free_slot_is_told_and_counted
       - A reliable reader loses nothing until it is expelled, and is told.
                                            reliable_reader_loses_nothing_and_is_expelled_when_it_sleeps
       - A writer that is parked inside a publish costs its own number, and readers at most desc.stall.
                                            writer_parked_inside_a_publish_holds_up_nobody_for_long
       - The owner's death costs at most the frame it was publishing: whoever restarts it goes on in the
         same memory.                       kept_segment_is_taken_over_with_its_frames_or_replaced
                                            (scenario_shm.c) *_killed_behind_any_store_of_*
                                            (stress_shm.c) anybody_may_be_killed_at_any_time
       - END is told behind the last frame. (test_shm_threads.c) end_is_told_behind_the_last_frame
       - Publishing and reading make no system call when nobody sleeps. No allocation, no recursion.
                                            (scenario_shm.c) publishing_and_reading_make_no_system_call
       - A reader moves to the segment that replaces its own, but not from under pinned frames.
                                            wait_any_attaches_to_a_new_segment
                                            pinned_frame_stays_mapped_when_its_segment_is_replaced
       - Who lives is told by the kernel, in any pid namespace; a pid that came back fools nobody.
                                            (scenario_shm.c) recycled_pid_is_not_taken_for_a_living_process
                                            reader_in_another_pid_namespace_lives_and_dies_like_any
                                            death_of_a_memfd_owner_is_seen_by_who_holds_its_descriptors
       - Whatever stands in the objects, nothing outside of them is read or written.
                                            (fuzz_shm.c), every_byte_of_a_segment_may_be_damaged_at_attach
   CONTENTS
       concepts . who may call what . sizes . reading without copies . reliability . waiting .
       deaths . trust . options . porting . LAYOUT;  ordering stands before the implementation

   CONCEPTS
       A SEGMENT has a name and two memory objects: DATA (frames; readers map it read-only) and
       CONTROL (tables, pins, control rings; readers and writers map it for writing). A topic is a
       segment. A FRAME has a number (counted from 0 over the segment's life, all writers), a stream
       id, a time (ticks of the segment's clock) and a payload:
         one record or raw bytes of one stream, with a content type that the application chooses;
         or PARTS: several (stream, elements) one behind the other (telem_shm_part_put / _next);
         or a CHUNK of a payload that is larger than the largest slot (telem_shm_gather).
       A frame of at most desc.inline_bytes (48) lies in its descriptor, whose first line is also the
       line that a reader waits on: one cache line moves. Larger ones lie in a SLOT, contiguous,
       64-aligned (from 4096 bytes on page-aligned), of the smallest of up to four size classes.
       The newest desc.frames frames can be read, in order or by number or time, as long as their
       slot was not needed again (a class with as many slots as frames keeps all).
       Streams may be DECLARED: name, schema (telem_schema.h), content type, extra bytes; any time.
       The payload of a stream with a schema is rows of it (telem_schema_pack), one or an array.

   WHO MAY CALL WHAT
       A telem_shm, a writer, a reader: one thread at a time each; different handles of one
       telem_shm in different threads, but create, attach, detach, *_init and *_deinit one at a time.
       publish and next are lock-free and make no system call, but: to wake a sleeper; to wait for a
       reliable reader; to find out whether somebody died when frames or slots are missing.
       fork(): the child holds the parent's locks, so the parent seems alive as long as the child
       lives. exec closes them. Attach anew in a child that goes on.

   SIZES
       data    = 512 + directory + frames * stride + round64(8 * slots) + the slots
                 stride = 64, 128 or 256: 16 bytes and the inline payload
       control = 128 + 128 * (writers + readers) + round64(8 * slots) + readers * (128 + control ring)
       directory 2048 by default, control rings none: 3,840 bytes + 64 per frame + 16 per slot.
       (so a frame with a slot of its own costs 80 bytes besides its payload, an inline one 16)
       A slot takes its bytes rounded up to 64 (from 4096 on to 4096). telem_shm_bytes() is exact.

   READING WITHOUT COPIES
       Inline frames are copied on delivery (48 bytes that are in the cache); nothing to do.
       f.data of a larger one points into the segment. It is yours to look at while
         - telem_shm_valid() says so, asked AFTER the use: what was read before a "no" is to be
           forgotten. In terms of C11 such reading races with the writer; no machine that we know
           makes more of it than wrong bytes, which the check finds. Do not follow pointers or
           lengths in the payload before the check;
         - or it is pinned (telem_shm_pin .. unpin; needs desc.pins): no race, memcpy as you like;
         - or the reader is reliable: until its next call of next, read, pairs_next, wait, wait_any or
           arm, each of which lets the writers go on; no race. valid() then says whether the reader
           was expelled meanwhile.
       A reader of telem_shm_reader_open that moves to a new segment unmaps the old one: frames of it
       are gone (valid() says 0, the calls answer LAPPED; do not touch f.data). Pinned ones keep it:
       until the last is unpinned, such a reader gets TELEM_END.
       telem_shm_copy chooses: pinned or reliable: memcpy. Else it pins for the copy; in a segment
       without pins it copies by relaxed atomic words, as publish does there: C11-correct too.
       The sum of pins (desc.pins * desc.readers) must be below each class's slots - writers.

   RELIABILITY
       Best effort (default): never slows a writer; what was overwritten is counted exactly.
       Reliable: writers wait for this reader for its deadline (at most the writer's patience), then
       expel it: it is told TELEM_EXPELLED once, is counted, and goes on as best effort.
       A writer with desc.refuse does not wait: publish answers TELEM_FULL and counts.

   WAITING
       telem_shm_wait: SPIN, or spin and then sleep (default), or sleep at once. Spinning stares at the
       next frame's line without a pause (the fastest way to have it; faster than polling next).
       Sleepers arm a bit that writers exchange when they publish: with nobody asleep that is one load
       of a line that nobody writes, behind a fence. Linux sleeps in a futex of the reader's entry,
       Windows on a named event. For poll and epoll: telem_shm_reader_fd gives a datagram socket
       (abstract name: same network namespace), telem_shm_arm arms it. telem_shm_wait_any waits on
       several.
       wait and wait_any look up every 50 ms by themselves, should the one who was to wake them have
       died. A poll loop has to do so itself: give poll a timeout. Between the death and the next
       writer's first look round (its init, its beat) nothing makes the descriptor readable.

   DEATHS
       Who is alive is told by the kernel: each writer and reader holds a lock of one byte of the
       control object's file, which no death survives. (Open file description locks; pids are for
       display only.) In memfd mode these locks belong to a description of its own (through
       /proc/self/fd), not to the descriptors that are handed over.
       What a dead one left: an unfinished frame is void, its slot and a dead reader's pins return to
       use when another writer attaches, finds no slot, waits, or beats.
       The owner (telem_shm_create) holds byte 0. A restarted owner with the same desc takes the
       segment over as it is, under a new session id: numbers go on, readers notice nothing but
       telem_shm_health and info.session. With another desc the old objects are marked REPLACED and
       new ones made: readers get TELEM_END and, when opened by telem_shm_reader_open, attach to
       the new ones by themselves, from the oldest frame there on; a reliable one that finds no free
       entry goes on as an observer and is told TELEM_EXPELLED.
       Only the owner's user takes over; mode and group are set anew by each create.
       A writer that leaves (telem_shm_writer_deinit) says nothing: with no other one there the
       readers see TELEM_SHM_DEAD until the owner detaches or another writer comes.

   TRUST
       Everything in the objects is hostile to whoever maps them: indices, sizes, offsets and counts
       are checked against a private copy of the geometry made and checked at attach, strings and
       schemas are copied before they are looked at, loops are bounded by frames, slots or entries.
       A hostile peer can make calls fail, hold the writer up to its patience, wake sleepers, and
       deliver wrong contents. It can also shrink a file of its own, and reading behind its end is
       SIGBUS: against that only memfd backing with seals helps (SHRINK and GROW are always set, and
       attach refuses descriptors without; desc.sealed adds FUTURE_WRITE, so that nobody else can
       ever write the data object). create does not take over what another user made (ERR_ACCESS).
       Whoever may open the control object, for reading too, can hold its locks: seem to be alive,
       and keep an owner from coming back (ERR_EXISTS). Whoever knows a reader's socket can wake it.
       mode and group are set by fchmod/fchown behind the umask: control gets desc.mode, data the
       same without the write bits of group and others (with desc.others_write: with them). A memfd's
       are left alone while both are 0: who was handed the descriptors may use them.

   OPTIONS (besides those of telem.h; the same in all files)
       TELEM_NO_POSIX           only TELEM_SHM_MEMORY; no waiting but by spinning calls

   PORTING
       Lock-free 64-bit atomics are required (#error else): libatomic's locks are per process.
       Linux 3.15 or newer (OFD locks); containers need the same /dev/shm, and for sockets the same
       network namespace. Windows: files in the temporary directory, locks by LockFileEx;
       built by mingw and tested under wine (tests/scenario_shm_processes.c: processes that are killed
       behind each store), untested on a real Windows and with MSVC.

   HORIZONS
       A descriptor holds 38 bits of its frame's number. A copy that is interrupted for exactly a
       multiple of 2^38 frames (more than an hour at the fastest) would not notice. A reader that
       sleeps for longer finds its place by the 64-bit head.

   =============================================================================================
   LAYOUT, version 1 (TELEM_SHM_LAYOUT)
   =============================================================================================
       Integers in the machine's byte order (told by `order`); "word" = 64 bits, accessed only by
       atomic operations once the segment is up. No field crosses a multiple of its size. Offsets
       from the object's start. Reserved bytes are 0 and refused otherwise.

   DATA
     fixed part (written once, magic last)
       off size
         0   8  magic       89 54 53 48 4D 0D 0A 1A
         8   4  layout      1
        12   4  order       0x01020304
        16   8  data_bytes      24   8  control_bytes
        32   8  id          of the segment, random, the same in both objects
        40   4  flags       bit 0: payload hashes; bit 1: sealed; others reserved
        44   4  writers     1..64            48   4  readers     1..64
        52   4  pins        per reader, 0..65535
        56   4  frames      2..2^20, a power of two
        60   4  stride      of a descriptor: 64, 128 or 256
        64   4  classes     0..4             68   4  slots       of all classes
        72   4  directory_at    76   4  directory_bytes   (multiple of 64)
        80   4  ring_at         84   4  slots_at          (in data)
        88   4  writers_at      92   4  readers_at        (in control)
        96   4  pins_at        100   4  rings_at          (in control)
       104   4  control_ring   bytes of a control ring, 0 or a power of two 256..2^24
       108   4  inline_bytes   stride - 16
       112  24  class[4]   {u64 offset of the first slot, u64 bytes of a slot, u32 count, u32 number
                            of its first slot}, sizes ascending; unused ones 0
       208   8  clock_num  ticks per second = clock_num / clock_den; 0: nanoseconds
       216   4  clock_den      220   4  clock_bits    224   4  clock_domain (telem.h)
       228  28  reserved
       All offsets follow from the other fields (telem_i_shm_plan); a reader plans again and
       refuses (CORRUPT) what differs. Another layout number: UNSUPPORTED. Another order: UNSUPPORTED.
     live part
       256   8  session     of the owner's life        264   4  state   1 live, 2 closed, 3 replaced
       268   4  generation  begins anywhere, +1 at each change of the directory and each take-over
       272   8  beat        CLOCK_MONOTONIC ns of the last telem_shm_beat
       280   8  created     UTC ns of the session's start
       288   4  owner_pid (display)   292   4  takeovers   296  24  reserved
       320   8  head        number of the next frame: exact with one writer, else a hint
       328  16  next slot to try, of each class (several writers)
       384   4  directory_used   388   4  directory_lock (writer + 1, or 0)   392 120  reserved
     directory (directory_at): entries one behind the other, the first directory_used bytes
         0   4  size, a multiple of 8     4   2  kind: 1 stream, 2 metadata    6   2  stream id
         8   4  name bytes (1..255)      12   4  value bytes: the schema's encoding, or the value
        16   4  extra bytes              20   4  content type
        24   8  fingerprint of the schema, 0: none
        32      name, value, extra, zeros.   A later entry of the same kind and id (metadata: name)
                replaces an earlier one.
     descriptors (ring_at): frame n lies at index n mod frames
         0   8  word: bits 0-1 state (0 VOID, 1 RESERVED, 2 COMMITTED, 3 GONE)
                      bits 2-9 inline length, 255: in a slot; while RESERVED: the writer's index
                      bits 10-25 stream id (65535: PARTS); bits 26-63 the number
         8   8  time
        16      inline payload (zeros up to a multiple of 8), or
        16   8  length          24   4  slot     28   2  flags (1 hash, 2 chunk)   30   2  content type
        32   8  XXH3 (64 bits, seed 0) of the payload, 0 without
        40   8  chunk: bytes in all     48   8  chunk: offset    56   8  number of the first chunk
       At create index i holds {VOID, number i - frames}.
     slots (slots_at): one word each: bits 0-1 state (0 FREE, 1 HELD by a writer, 2 PUBLISHED),
                bits 2-9 writer, bits 26-63 number of the frame that is or was in it
     the slots' bytes, class by class

   CONTROL
         0   8  magic       89 54 53 48 43 0D 0A 1A    8   4  layout   12   4  order
        16   8  id         24   8  control_bytes    32  32  reserved
        64   8  armed       bit r: reader r sleeps      72   8  gates     bit r: reader r is reliable
        80   8  expelled    bit r: reader r was         88   4  consumer of the control rings (+ 1)
        96   8  joins       +1 when a reliable reader joins    104  24  reserved
     writers (writers_at, 128 bytes each)
         0   4  state       bit 0 taken; the rest counts      4   4  pid       8   8  instance
        16   8  busy        odd inside publish (several writers only)
        24   8  frames     32   8  bytes   40   8  no slot   48   8  refused   56   8  aborted
        64   8  expelled   72   8  waited ns  80  24  reserved   104  24  name
     readers (readers_at, 128 bytes each)
         0   4  state (as above)   4   4  futex   8   8  gate: the next frame that it wants
        16   8  deadline ns       24   8  nonce: name of its socket or event
        32   4  sleeps in: 0 futex, 1 socket, 2 event    36   4  pid      40   8  instance
        48  16  reserved
        64   8  next       72   8  delivered   80   8  lost   88   8  filtered
        96   4  1 reliable, 2 expelled once   100   4  pins held   104  24  name
     pins (pins_at): one word for each slot, bit r: reader r pins it
     control rings (rings_at, one for each reader): u64 written at 0, u64 read at 64 (bytes, only
       growing), data at 128. A record: u32 length (0xFFFFFFFF: skip to the ring's end), u32 type,
       i64 time, payload, zeros up to a multiple of 8: the record of an uncompressed ring lane.
     locks (byte ranges of one byte each, behind the end of the control object's file)
       0x40000000 owner;  + 1 + i writer i;  + 128 + r reader r */

#include "telem.h" /* outside the guard: define-after-include reaches the core too */
#include "telem_schema.h"

#ifndef TELEM_SHM_H
#define TELEM_SHM_H

#if !TELEM_HAS_ATOMIC64
#error "telem_shm.h needs lock-free 64-bit atomics: libatomic's locks are private to a process"
#endif

/* ------------------------------------------------------------------------------ constants ---- */

#define TELEM_SHM_LAYOUT 1u
#define TELEM_SHM_NOW INT64_MIN         /* as a frame's time: read the desc's clock */
#define TELEM_SHM_PARTS 0xFFFFu         /* as a frame's stream: telem_shm_part_put made the payload */
#define TELEM_SHM_STREAM_MAX 0xFFFEu    /* largest stream id */
#define TELEM_SHM_CLASSES 4             /* slot size classes */
#define TELEM_SHM_READERS_MAX 64u       /* registered at the same time; observers are not counted */
#define TELEM_SHM_WRITERS_MAX 64u
#define TELEM_SHM_INLINE_MAX 240u
#define TELEM_SHM_NAME_MAX 64u          /* bytes of a segment's name: A-Z a-z 0-9 _ . - */
#define TELEM_SHM_PATH_MAX 192u         /* bytes of desc.dir */

/* desc.backing */
#define TELEM_SHM_FILES 0u  /* files in desc.dir: /dev/shm, any tmpfs or hugetlbfs, a disk */
#define TELEM_SHM_MEMFD 1u  /* no name: two file descriptors to hand over (Linux) */
#define TELEM_SHM_MEMORY 2u /* memory of the caller; nobody's death is noticed */

/* frame.flags */
#define TELEM_SHM_HASHED 1u /* frame.hash holds XXH3 of the payload */
#define TELEM_SHM_CHUNK 2u  /* a part of a larger payload: total, offset, group */

/* reader desc.start */
#define TELEM_SHM_OLDEST 0u
#define TELEM_SHM_LATEST 1u /* begins with the newest frame that is there */
#define TELEM_SHM_FRESH 2u  /* only what is published from now on */

/* reader desc.wait */
#define TELEM_SHM_SPIN_SLEEP 0u
#define TELEM_SHM_SPIN 1u  /* never sleeps: a core of its own */
#define TELEM_SHM_SLEEP 2u /* sleeps at once */

/* telem_shm_find */
#define TELEM_SHM_BEFORE 0u  /* as-of: the last frame with time <= t */
#define TELEM_SHM_AFTER 1u   /* the first frame with time >= t */
#define TELEM_SHM_NEAREST 2u

/* telem_shm_health */
#define TELEM_SHM_ALIVE 0u
#define TELEM_SHM_SILENT 1u   /* a writer lives but its heartbeat is older than desc.stale */
#define TELEM_SHM_DEAD 2u     /* no writer lives (it died, or left), and the segment is not closed */
#define TELEM_SHM_CLOSED 3u   /* the owner detached */
#define TELEM_SHM_REPLACED 4u /* another segment took the name: attach anew */

/* ---------------------------------------------------------------------------------- types ---- */

typedef struct telem_shm_class {
    uint64_t bytes; /* largest payload of this class */
    uint32_t count; /* slots; 0: desc.frames + writers */
} telem_shm_class;

typedef struct telem_shm_desc {
    const char *name;      /* 1..64 of A-Z a-z 0-9 _ . -, no dot first (FILES; else for display, or NULL) */
    const char *dir;       /* FILES: NULL: /dev/shm (Windows: the temporary directory) */
    uint8_t backing;       /* TELEM_SHM_FILES .. */
    uint8_t keep;          /* 1: detach leaves the segment in place for the next owner */
    uint8_t hash;          /* 1: slots' payloads are hashed on publishing */
    uint8_t huge;          /* 1: huge pages: memfd by MFD_HUGETLB, files by madvise or hugetlbfs */
    uint8_t prefault;      /* 1: all pages are there on return */
    uint8_t sealed;        /* 1: memfd: only this telem_shm can ever write data (one process) */
    uint8_t others_write;  /* 1: desc.mode's write bits hold for data too: writers of other users */
    uint32_t mode;         /* permission bits; 0: 0600 (MEMFD: as the system makes them) */
    uint32_t group;        /* gid of both objects; 0: as it comes */
    uint32_t frames;       /* how many can be read back; rounded up to a power of two; 0: 64 */
    uint32_t inline_bytes; /* largest payload inside the descriptor: 48 (0), 112 or 240 */
    uint64_t payload;      /* shorthand for classes[0] = {payload, 0} */
    telem_shm_class classes[TELEM_SHM_CLASSES]; /* ascending; bytes 0 ends the list */
    uint32_t writers;      /* at the same time, 0: 1 (the fastest) */
    uint32_t readers;      /* registered at the same time, 0: 8 */
    uint32_t pins;         /* slots that each reader may pin; 0: none */
    uint32_t directory;    /* bytes for declared streams and metadata; 0: 2048 */
    uint32_t control_ring; /* bytes of each reader's ring back to the writer, a power of two >= 256;
                              0: none */
    const telem_clock *clock; /* what times count; NULL: nanoseconds since boot, and NOW reads them */
    void *memory, *control_memory; /* MEMORY: 64-aligned, telem_shm_bytes() */
    size_t memory_size, control_size;
} telem_shm_desc;

typedef struct telem_shm_attach_desc {
    const char *name, *dir; /* as above */
    uint8_t backing;
    uint8_t write;   /* 1: data is mapped for writing, for telem_shm_writer_init */
    uint8_t observe; /* 1: control is mapped read-only: readers are not registered, cannot pin, be
                        reliable, sleep or write back; needs read permission only */
    uint8_t prefault;
    int fds[2];      /* MEMFD: data, control; stay the caller's */
    void *memory, *control_memory;
    size_t memory_size, control_size;
} telem_shm_attach_desc;

typedef struct telem_i_shm_class {
    uint64_t offset, bytes;
    uint32_t count, first;
} telem_i_shm_class;

/* The fixed part of the data object, as in LAYOUT. */
typedef struct telem_i_shm_fixed {
    uint8_t magic[8];
    uint32_t layout, order;
    uint64_t data_bytes, control_bytes, id;
    uint32_t flags, writers, readers, pins;
    uint32_t frames, stride, classes, slots;
    uint32_t directory_at, directory_bytes, ring_at, slots_at;
    uint32_t writers_at, readers_at, pins_at, rings_at;
    uint32_t control_ring, inline_bytes;
    telem_i_shm_class klass[TELEM_SHM_CLASSES];
    uint64_t clock_num;
    uint32_t clock_den, clock_bits, clock_domain, reserved[7];
} telem_i_shm_fixed;

/* A segment that this process has mapped. The fields are the implementation's. */
typedef struct telem_shm {
    uint8_t *data, *control;
    uint8_t *ring;        /* the descriptors */
    uint32_t mask, shift; /* frame n: ring + ((n & mask) << shift) */
    telem_i_shm_fixed g;  /* private, checked copy of the geometry */
    uint64_t instance;    /* random; who holds an entry of the tables */
    uint64_t mapped[2];   /* bytes of data, control */
    intptr_t file[2];
    intptr_t hand; /* MEMFD: control, to hand over: locks are held by file[1] alone */
    telem_atomic32 guard; /* one thread sweeps */
    uint64_t beat_seen, head_seen; /* telem_shm_health */
    telem_clock clock;
    uint8_t attached, owner, writable, registers, backing, keep;
    uint8_t epoch; /* counts the segments that a reader moved through: frames of an earlier one are gone */
    char name[TELEM_SHM_NAME_MAX + 1], dir[TELEM_SHM_PATH_MAX + 1];
} telem_shm;

typedef struct telem_shm_frame {
    uint64_t number;  /* counts the segment's frames from 0 */
    int64_t time;     /* ticks of the segment's clock */
    const void *data; /* 8-aligned (slots: 64). See READING WITHOUT COPIES */
    uint64_t len;
    uint64_t total, offset, group; /* chunks: bytes in all, where this one goes, first one's number */
    uint64_t hash;    /* when flags has TELEM_SHM_HASHED */
    uint32_t stream;  /* or TELEM_SHM_PARTS */
    uint16_t content; /* the application's; 0 of inline frames */
    uint16_t flags;
    uint64_t word;    /* the rest is the implementation's */
    uint32_t slot;    /* TELEM_I_SHM_INLINE: none */
    uint8_t pinned, epoch;
} telem_shm_frame;

typedef struct telem_shm_writer_desc {
    const char *name;  /* for display, up to 23 bytes */
    uint8_t refuse;    /* 1: TELEM_FULL instead of waiting for a reliable reader */
    uint64_t patience; /* ns that one publish waits for reliable readers at most, whatever they ask
                          for; 0: 1 s */
} telem_shm_writer_desc;

/* A writer's handle. The fields are the implementation's. */
typedef struct telem_shm_writer {
    telem_shm *shm;
    uint32_t index;
    telem_shm_writer_desc desc;
    uint64_t next;      /* the number to try */
    uint64_t limit;     /* reliable readers allow numbers below */
    uint64_t gates, joins; /* as they were when limit was found */
    uint64_t fenced;    /* a SEQ fence stands behind all numbers below */
    uint64_t frames, bytes, busy;
    uint32_t cursor[TELEM_SHM_CLASSES]; /* next slot to try */
    uint32_t open;      /* slots begun, neither committed nor aborted */
    telem_clock_state clock_state;
    intptr_t socket;
    uint64_t scratch[TELEM_SHM_INLINE_MAX / 8 + 8]; /* where small begun frames wait */
    uint32_t turn; /* whose control ring comes first */
    uint8_t scratch_open;
} telem_shm_writer;

/* A payload being filled in place. */
typedef struct telem_shm_slot {
    void *data;       /* 64-aligned */
    uint64_t capacity;
    uint16_t content; /* may be set before commit */
    uint32_t slot;    /* the rest is the implementation's */
    uint64_t was;
} telem_shm_slot;

typedef struct telem_shm_item { /* of a batch */
    uint32_t stream;
    int64_t time;
    const void *data;
    uint64_t len;
} telem_shm_item;

typedef struct telem_shm_part {
    uint32_t stream, count; /* elements: 1 record, or an array */
    uint32_t size;          /* bytes of all elements */
    const void *data;       /* 8-aligned */
} telem_shm_part;

typedef struct telem_shm_reader_desc {
    const char *name;    /* for display, up to 23 bytes */
    uint8_t start;       /* TELEM_SHM_OLDEST .. */
    uint8_t wait;        /* TELEM_SHM_SPIN_SLEEP .. */
    uint8_t reliable;    /* 1: writers wait for this reader */
    uint8_t verify;      /* 1: hashed frames are verified by next; a wrong one is ERR_CORRUPT, counted */
    uint64_t deadline;   /* ns: reliable: how long without a move until it is expelled; 0: 100 ms */
    uint64_t spin;       /* ns of spinning before a sleep; 0: 50 us */
    uint64_t stale;      /* ns: age of the heartbeat that telem_shm_health calls SILENT; 0: 1 s */
    uint64_t stall;      /* ns: how long an unfinished frame may hold up finished ones (a dead
                            writer's: not at all); 0: 10 ms. Reliable readers wait for it */
    const uint32_t *streams; /* only frames of these (and PARTS); the caller's, while the reader lives */
    uint32_t stream_count;   /* 0: all */
    telem_filter filter; /* NULL: all. Slots' payloads are pinned or copied to `copy` for it */
    void *filter_user;
    void *copy;          /* 8-aligned. Frames that were filtered or verified without a pin lie here */
    size_t copy_size;
} telem_shm_reader_desc;

/* A reader's handle. The fields are the implementation's. */
typedef struct telem_shm_reader {
    telem_shm *shm;
    int32_t index;        /* entry in the table; -1: an observer */
    telem_shm_reader_desc desc;
    uint64_t next;        /* the number wanted */
    uint64_t gate;        /* as told to writers; reliable only */
    uint64_t delivered, lost, filtered, voided, corrupt;
    uint64_t stall_number, stall_since; /* the unfinished frame that holds up others */
    uint64_t lost_told;   /* telem_shm_reader_loss */
    int64_t last_time, loss_first, loss_last; /* stamps around a gap */
    uint32_t pinned, idle;
    uint8_t reliable, started, loss_open;
    uint8_t picky;        /* next has more to do than to deliver */
    const void *guess;    /* where the next payload will lie if it is like the last one; NULL: far off */
    intptr_t socket;      /* or event */
    uint64_t nonce;       /* its name */
    uint64_t held[TELEM_SHM_INLINE_MAX / 8]; /* the inline frame delivered last */
    telem_shm own;        /* telem_shm_reader_open's */
    telem_shm_attach_desc again;
} telem_shm_reader;

/* delivered + filtered + lost + voided + corrupt == numbers passed since the start */
typedef struct telem_shm_reader_counts {
    uint64_t delivered, filtered;
    uint64_t lost;    /* overwritten before this reader came to them */
    uint64_t voided;  /* numbers that never became a frame (their writer died) */
    uint64_t corrupt; /* hash or geometry wrong */
    uint64_t queued;  /* published, not yet delivered */
} telem_shm_reader_counts;

typedef struct telem_shm_loss {
    uint64_t count; /* frames lost since the last call */
    int64_t first;  /* time of the last frame before the gap, INT64_MIN when none */
    int64_t last;   /* time of the first frame behind it, INT64_MAX when none yet */
} telem_shm_loss;

typedef struct telem_shm_segment { /* telem_shm_info */
    uint64_t id, session, data_bytes, control_bytes, head, beat_age; /* ns; UINT64_MAX: never beat */
    int64_t created; /* UTC ns */
    uint32_t state, generation, takeovers, owner_pid, owner_alive;
    uint32_t frames, inline_bytes, writers, readers, pins, classes, control_ring, hash;
    uint32_t directory_bytes, directory_used;
    telem_clock clock;
    const char *name;
} telem_shm_segment;

typedef struct telem_shm_class_info {
    uint64_t bytes, offset;
    uint32_t count, free, held, published, pinned;
} telem_shm_class_info;

typedef struct telem_shm_writer_info {
    uint32_t taken, alive, pid;
    uint64_t frames, bytes;
    uint64_t no_slot; /* answers TELEM_AGAIN: all slots pinned or held */
    uint64_t refused, aborted, expelled, waited; /* waited: ns, for reliable readers */
    char name[24];
} telem_shm_writer_info;

typedef struct telem_shm_reader_info {
    uint32_t taken, alive, pid, reliable, expelled, pins, sleeping;
    uint64_t next, lag, delivered, lost, filtered;
    char name[24];
} telem_shm_reader_info;

#define TELEM_SHM_STREAM 1u /* entry.kind */
#define TELEM_SHM_META 2u
typedef struct telem_shm_entry { /* of the directory; pointers into the caller's buffer */
    uint32_t kind, stream, content;
    uint64_t fingerprint;
    const char *name; /* NUL-terminated */
    const void *value; /* the schema's encoding, or the metadata's value */
    const void *extra;
    uint32_t value_bytes, extra_bytes;
} telem_shm_entry;

typedef struct telem_shm_stream_desc {
    uint32_t id;                /* 0..TELEM_SHM_STREAM_MAX */
    const char *name;           /* 1..255 bytes */
    const telem_schema *schema; /* NULL: none */
    uint32_t content;           /* the application's, e.g. what an image's bytes mean */
    const void *extra;          /* e.g. width and height */
    uint32_t extra_bytes;
} telem_shm_stream_desc;

typedef struct telem_shm_message { /* of a control ring */
    uint32_t reader, type, len;
    int64_t time;
} telem_shm_message;

typedef struct telem_shm_gather { /* chunks become one payload */
    void *buf;        /* the caller's */
    uint64_t cap;
    uint64_t group, total, have; /* the rest is the implementation's; begin with zeros */
} telem_shm_gather;

/* Frames of two topics that belong together. */
typedef struct telem_shm_pairs {
    telem_shm_reader *a, *b;
    uint64_t within; /* ticks; as_of: how old b may be (0: any age) */
    uint64_t late;   /* nearest: b is waited for until a's newest is so many ticks on; 0: for ever */
    uint8_t as_of;   /* 0: nearest b within `within`; 1: the last b at or before a that is there now */
    uint8_t waits;   /* the rest is the implementation's */
    telem_shm_frame pending;
    uint64_t unmatched; /* frames of a without a partner */
} telem_shm_pairs;

/* -------------------------------------------------------------------------------- segment ---- */

/* Bytes of the two objects that a desc needs. TELEM_OK, or as telem_shm_create. */
TELEM_API telem_result telem_shm_bytes(const telem_shm_desc *desc, uint64_t *data, uint64_t *control);

/* What create has against a desc: the field and its range, static text for people; NULL: nothing.
   Worth printing when create answers ERR_ARG, ERR_LIMIT or ERR_MEMORY. */
TELEM_API const char *telem_shm_desc_fault(const telem_shm_desc *desc);
/* Makes the segment, or takes over one whose owner is gone. TELEM_OK; ERR_ARG; ERR_LIMIT: pins that
   do not leave a slot for each writer, or sizes out of range; ERR_EXISTS: its owner lives; ERR_SPACE:
   the memory is not there (found now, never later by SIGBUS); ERR_ACCESS: also for a segment of that
   name that another user made; ERR_IO; ERR_UNSUPPORTED: such backing is not on this system. */
TELEM_API telem_result telem_shm_create(telem_shm *shm, const telem_shm_desc *desc);
/* Maps what another made. ERR_NOT_FOUND; ERR_ACCESS: without permission, or descriptors that are not
   sealed against shrinking; TELEM_AGAIN: it is being made; ERR_CORRUPT, ERR_TRUNCATED,
   ERR_UNSUPPORTED: not (this layout of) a segment. */
TELEM_API telem_result telem_shm_attach(telem_shm *shm, const telem_shm_attach_desc *desc);
/* Unmaps. Handles (writers, readers) first. The owner's, when no other writer lives, marks the segment
   CLOSED and, but for desc.keep, unlinks it if the name is still its own; with other writers it goes on
   without an owner. */
TELEM_API void telem_shm_detach(telem_shm *shm);
/* Removes the name; who has it mapped goes on. dir NULL as above. TELEM_OK, ERR_NOT_FOUND, ERR_ACCESS. */
TELEM_API telem_result telem_shm_unlink(const char *dir, const char *name);
/* Data and control as file descriptors, for handing over (memfd). Stay the segment's. */
TELEM_API telem_result telem_shm_fds(const telem_shm *shm, int fds[2]);

/* Calls fn for each segment whose name fits (* any text, ? one byte; NULL: all); alive: 1 when the
   owner, a writer or a reader lives. fn answers non-zero to stop. Returns how many fitted, or a code. */
TELEM_API int64_t telem_shm_list(const char *dir, const char *pattern,
                                 int (*fn)(void *user, const char *name, int alive), void *user);
/* Removes the segments that fit and that nobody holds. Returns how many, or a code. */
TELEM_API int64_t telem_shm_collect(const char *dir, const char *pattern);

/* The inspector's view. Any thread; index below info.classes / writers / readers, else ERR_ARG. */
TELEM_API telem_result telem_shm_info(const telem_shm *shm, telem_shm_segment *info);
TELEM_API telem_result telem_shm_class_info_get(const telem_shm *shm, uint32_t index,
                                                telem_shm_class_info *info);
TELEM_API telem_result telem_shm_writer_info_get(const telem_shm *shm, uint32_t index,
                                                 telem_shm_writer_info *info);
TELEM_API telem_result telem_shm_reader_info_get(const telem_shm *shm, uint32_t index,
                                                 telem_shm_reader_info *info);

/* The directory: *at from 0 on. Copies the next entry into buf and checks it. TELEM_END behind the
   last; ERR_MEMORY: entry->value_bytes etc. say what it takes, *at stays; ERR_CORRUPT. Entries that a
   later one replaced are passed over. */
TELEM_API telem_result telem_shm_entry_next(const telem_shm *shm, uint32_t *at, telem_shm_entry *entry,
                                            void *buf, size_t cap);
/* The declaration of a stream. ERR_NOT_FOUND. */
TELEM_API telem_result telem_shm_stream_find(const telem_shm *shm, uint32_t id, telem_shm_entry *entry,
                                             void *buf, size_t cap);
/* Changes when streams or metadata were added, with each take-over and with each new segment. One load. */
TELEM_API uint32_t telem_shm_generation(const telem_shm *shm);

/* -------------------------------------------------------------------------------- writing ---- */

/* desc may be NULL. ERR_ACCESS: attached without `write`; TELEM_FULL: desc.writers of them live. */
TELEM_API telem_result telem_shm_writer_init(telem_shm_writer *w, telem_shm *shm,
                                             const telem_shm_writer_desc *desc);
/* ERR_STATE while a slot is open. */
TELEM_API telem_result telem_shm_writer_deinit(telem_shm_writer *w);

/* Declares a stream (the same again is nothing new) or sets metadata. What an entry replaces keeps its
   space: metadata are for what changes rarely. ERR_SPACE: directory full, until another segment is
   made; TELEM_AGAIN: another writer is at it. */
TELEM_API telem_result telem_shm_stream_add(telem_shm_writer *w, const telem_shm_stream_desc *desc);
TELEM_API telem_result telem_shm_meta_set(telem_shm_writer *w, const char *key, const void *value,
                                          uint32_t n);

/* One frame, copied. len 0 is legal. Larger than the largest slot: as chunks, one frame each (writers
   that do so: each a stream of its own, see telem_shm_gather_add).
   TELEM_OK; TELEM_AGAIN: no slot is free (all pinned or held), counted; TELEM_FULL: desc.refuse and a
   reliable reader is behind, counted; ERR_ARG: stream; ERR_LIMIT: no class takes it, chunks included
   (no classes). */
TELEM_API telem_result telem_shm_publish(telem_shm_writer *w, uint32_t stream, int64_t time,
                                         const void *data, uint64_t len);
/* Many, with one fence and one wake-up at the end. Returns how many were published; when that is
   fewer than n, *why (may be NULL) says why. */
TELEM_API uint32_t telem_shm_publish_batch(telem_shm_writer *w, const telem_shm_item *items, uint32_t n,
                                           telem_result *why);
/* In place: begin gives at least `len` bytes (inline sizes: the handle's own buffer, one at a time;
   ERR_STATE), commit publishes `len` of them, abort gives them up. Answers as publish; ERR_LIMIT:
   larger than the largest slot. A commit that answers FULL or AGAIN leaves the slot open. A slot that
   was committed or given up: ERR_STATE (of this variable; do not use copies of it). */
TELEM_API telem_result telem_shm_begin(telem_shm_writer *w, uint64_t len, telem_shm_slot *slot);
TELEM_API telem_result telem_shm_commit(telem_shm_writer *w, telem_shm_slot *slot, uint32_t stream,
                                        int64_t time, uint64_t len);
TELEM_API telem_result telem_shm_abort(telem_shm_writer *w, telem_shm_slot *slot);

/* Appends a part to a payload that is being built in buf (8-aligned); *used from 0 on. ERR_LIMIT: does
   not fit. Publish the buffer (or commit the slot) as stream TELEM_SHM_PARTS with len *used. */
TELEM_API telem_result telem_shm_part_put(void *buf, uint64_t cap, uint64_t *used, uint32_t stream,
                                          const void *data, uint32_t element, uint32_t count);
/* The next part; *at from 0 on. TELEM_END; ERR_CORRUPT. Only over stable bytes (copied, pinned). */
TELEM_API telem_result telem_shm_part_next(const void *data, uint64_t len, uint64_t *at,
                                           telem_shm_part *part);

/* "I am alive": stamps the heartbeat and returns what dead readers and writers left. Call it every
   100 ms or so when publishing is rarer. A clock read and a few system calls. */
TELEM_API telem_result telem_shm_beat(telem_shm_writer *w);
/* Messages of readers, one reader after the other in turn. The first writer to call has them until it leaves.
   TELEM_EMPTY; ERR_MEMORY: message->len says what it takes; ERR_CORRUPT: a reader broke its ring,
   which was emptied; ERR_ACCESS: another writer reads them. */
TELEM_API telem_result telem_shm_control_read(telem_shm_writer *w, telem_shm_message *message, void *buf,
                                              size_t cap);

/* -------------------------------------------------------------------------------- reading ---- */

/* desc may be NULL. TELEM_FULL: the table is (attach with observe); ERR_STATE: reliable as an observer.
   A filter without pins or desc.copy is told by next. */
TELEM_API telem_result telem_shm_reader_init(telem_shm_reader *rd, telem_shm *shm,
                                             const telem_shm_reader_desc *desc);
TELEM_API void telem_shm_reader_deinit(telem_shm_reader *rd);
/* Attach and init in one; such a reader attaches anew by itself when its segment was replaced (not
   while it holds pins; not in memfd mode, which has no name). telem_shm_reader_fd's descriptor stays. */
TELEM_API telem_result telem_shm_reader_open(telem_shm_reader *rd, const telem_shm_attach_desc *where,
                                             const telem_shm_reader_desc *desc);
TELEM_API void telem_shm_reader_close(telem_shm_reader *rd);
/* The segment that it reads, for telem_shm_info, telem_shm_stream_find .. ; the reader's own. */
TELEM_API telem_shm *telem_shm_reader_segment(const telem_shm_reader *rd);

/* The next frame in order that passes the filter. TELEM_OK; TELEM_EMPTY; TELEM_END: nothing more, and
   the segment is closed or replaced; TELEM_EXPELLED, once; TELEM_AGAIN: many frames were filtered;
   ERR_CORRUPT: the frame was passed over and counted; ERR_MEMORY: filter or verify needs a pin or a
   larger desc.copy (the frame was passed over and counted as lost). */
TELEM_API telem_result telem_shm_next(telem_shm_reader *rd, telem_shm_frame *frame);
/* The newest frame; does not move the order of next. TELEM_EMPTY: none. */
TELEM_API telem_result telem_shm_latest(telem_shm_reader *rd, telem_shm_frame *frame);
/* By number. TELEM_EMPTY: not published yet (or void); TELEM_LAPPED: no longer there. */
TELEM_API telem_result telem_shm_get(telem_shm_reader *rd, uint64_t number, telem_shm_frame *frame);
/* By time, among the frames that are there: one pass over the descriptors. TELEM_EMPTY: none. */
TELEM_API telem_result telem_shm_find(telem_shm_reader *rd, int64_t time, uint32_t how,
                                      telem_shm_frame *frame);
/* 1: everything read of frame->data before this call was the frame's own. */
TELEM_API int telem_shm_valid(telem_shm_reader *rd, const telem_shm_frame *frame);
/* Holds the frame's slot. TELEM_LAPPED: too late; TELEM_FULL: desc.pins of them are held; ERR_STATE:
   an observer, or a segment without pins. Inline frames: TELEM_OK, nothing is held (until the next
   delivery). unpin: when done. */
TELEM_API telem_result telem_shm_pin(telem_shm_reader *rd, telem_shm_frame *frame);
TELEM_API telem_result telem_shm_unpin(telem_shm_reader *rd, telem_shm_frame *frame);
/* The payload into buf: whole, or TELEM_LAPPED and buf's contents are void. ERR_MEMORY: cap. */
TELEM_API telem_result telem_shm_copy(telem_shm_reader *rd, telem_shm_frame *frame, void *buf, size_t cap);
/* next and copy in one; frame->data is buf. ERR_MEMORY: nothing is consumed. */
TELEM_API telem_result telem_shm_read(telem_shm_reader *rd, telem_shm_frame *frame, void *buf, size_t cap);
/* As many as are there and fit, payloads one behind the other (8-aligned) in buf. Returns how many
   (>= 0), or the code of the first. */
TELEM_API int64_t telem_shm_read_batch(telem_shm_reader *rd, telem_shm_frame *frames, uint32_t n,
                                       void *buf, size_t cap);
/* Compares the payload with its hash. TELEM_OK (also without a hash), ERR_CORRUPT, TELEM_LAPPED. */
TELEM_API telem_result telem_shm_verify(telem_shm_reader *rd, const telem_shm_frame *frame);
/* Takes a chunk (any other frame: ERR_ARG). TELEM_OK: the payload is whole in g->buf (g->total bytes);
   TELEM_AGAIN: more to come; TELEM_LAPPED: one was lost, the payload is given up (a first chunk: the
   unfinished one before it is, this one goes on); ERR_MEMORY: cap. A gather holds one payload: writers
   that chunk at the same time want a stream and a gather each. */
TELEM_API telem_result telem_shm_gather_add(telem_shm_gather *g, telem_shm_reader *rd,
                                            telem_shm_frame *frame);

/* What was lost since the last call. TELEM_OK, or TELEM_EMPTY: nothing. */
TELEM_API telem_result telem_shm_reader_loss(telem_shm_reader *rd, telem_shm_loss *loss);
TELEM_API telem_result telem_shm_reader_stats(const telem_shm_reader *rd, telem_shm_reader_counts *counts);
/* TELEM_SHM_ALIVE .. REPLACED. A few system calls. */
TELEM_API uint32_t telem_shm_health(telem_shm_reader *rd);

/* -------------------------------------------------------------------------------- waiting ---- */

/* Until the next frame is there. TELEM_OK: call next; TELEM_EMPTY: timeout (ns) over; TELEM_END: as next. */
TELEM_API telem_result telem_shm_wait(telem_shm_reader *rd, uint64_t timeout);
/* Until one of several has a frame; *which (may be NULL). Sleeps by sockets or events. */
TELEM_API telem_result telem_shm_wait_any(telem_shm_reader *const *rds, uint32_t n, uint64_t timeout,
                                          uint32_t *which);
/* For poll loops: *fd becomes readable after telem_shm_arm answered TELEM_EMPTY and a frame came.
   arm: TELEM_OK: a frame is there, do not sleep; TELEM_EMPTY: sleep, with a timeout (see WAITING); it
   also takes what made the fd readable. Windows: *fd is an event's HANDLE. */
TELEM_API telem_result telem_shm_reader_fd(telem_shm_reader *rd, intptr_t *fd);
TELEM_API telem_result telem_shm_arm(telem_shm_reader *rd);

/* ------------------------------------------------------------------------- back and pairs ---- */

/* A message to the writer. TELEM_FULL: the ring is, try later; ERR_LIMIT: len over half a ring;
   ERR_STATE: an observer, or a segment without control rings. */
TELEM_API telem_result telem_shm_control_write(telem_shm_reader *rd, uint32_t type, int64_t time,
                                               const void *data, uint32_t len);

/* The next frame of a together with its partner of b. Frames of b are looked up in its ring by time
   (its order of next is not used). TELEM_OK; TELEM_EMPTY: nothing new, or b has not come so far (nearest
   waits until b reaches a's time); a's losses are a's. Times of both must be ticks of one clock. */
TELEM_API telem_result telem_shm_pairs_next(telem_shm_pairs *p, telem_shm_frame *a, telem_shm_frame *b);

#endif /* TELEM_SHM_H */

/* ---- Stop here if you only use the API. ------------------------------------------------------ */

#if defined(TELEM_IMPLEMENTATION) && !defined(TELEM_SHM_H_IMPLEMENTATION)
#define TELEM_SHM_H_IMPLEMENTATION

/* Anchors: >>layout >>system >>plan >>life >>sweep >>segment >>directory >>slots >>publish >>wake
   >>position >>deliver >>read >>waiting >>back >>pairs

   >>ordering

   OWNERS. Each shared word has one writer, or is changed by CAS only.
     descriptor word    prev lap -> RESERVED(n): one writer: store by the only writer; several: CAS.
                        RESERVED(n, w) -> COMMITTED: store by w. -> VOID: CAS by who holds w's lock.
                        COMMITTED(m) -> GONE and back: CAS by the writer that holds m's slot
     descriptor rest    who reserved the number, until COMMITTED
     slot word          PUBLISHED, FREE -> HELD(w): as the descriptor word. HELD(w) -> PUBLISHED(n),
                        FREE: store by w; -> PUBLISHED(m): CAS by who holds w's lock
     slot bytes         who holds the slot
     head               the only writer; several: anybody, may go back (a hint)
     pins[s] bit r      reader r, by CAS; or who holds dead r's lock
     armed bit r        set by reader r, cleared by r or any writer; gates bit r: set and cleared by r,
                        cleared by a writer that expels; all by CAS
     gate, entry        reader r.   directory: who holds directory_lock (CAS)
     an entry's state   who holds its lock in the kernel

   A FRAME

       lap n-F |--reserve--> RESERVED(n) --commit--> COMMITTED(n) --slot taken--> GONE(n)
                                 |                        |  ^---- pinned after all ---|
                                 '--- writer died ---> VOID(n)      all final ones --> lap n+F

     INVARIANTS
     I1  A descriptor that says COMMITTED(n) and names slot s: slot s's word carries the number n.
         (PUBLISHED(n) is stored before COMMITTED(n); a slot is taken with its number kept.)
     I2  Slot bytes change only while the slot is HELD and the descriptor of the number in the slot's
         word does not say COMMITTED. (GONE is stored first; so a kill at any point leaves either
         the old frame whole or no descriptor that names its bytes as good.)
     I3  A slot whose pin word was not 0 after GONE was stored (or, one writer: after a fence behind the
         store that overwrote its frame's descriptor) is not written.
     I4  With one writer a number is reserved below min(gates) + frames as seen after the fence of the
         publish before; a reliable reader starts at least one above what such a publish can hit.

   THE SEQLOCK (C11). Writer: word := RESERVED (relaxed); release fence; contents by relaxed stores;
     word := COMMITTED(n) (release). Reader: word (acquire) says COMMITTED(n); contents by relaxed
     loads; acquire fence; word (relaxed) is the same.
     Whole: the acquire load reads from the release store of n (the word holds the number, so from
     no other store, up to the horizon), so all contents of n happen before the copy: the copy reads
     them or later ones. Not mixed: had a load read a later content, stored behind a release fence
     that follows the RESERVED of n+F (or GONE of n, or a later one), then that fence synchronises with
     the reader's acquire fence, RESERVED happens before the second load of the word, and by
     coherence that load cannot return COMMITTED(n). No plain access is involved: no data race.
     Slots: the same word guards the slot's bytes (I1, I2). Copying calls use relaxed words, or a pin.
     Pins: the reader sets its bit, SEQ fence, reads the word; the writer stores GONE, SEQ fence, reads
     the pins. In the fences' order one comes first: either the writer sees the bit (and leaves the
     slot), or the reader sees GONE (and drops the pin). The writer's plain stores into a slot come
     after an acquire of the pin word that the last reader's release (unpin) wrote.

   EDGES (release at the left, acquire at the right; what breaks without)
     S1  reserve: word, fence             | load: fence, word                   torn frame accepted
     S2  commit: word                     | seek, load: word                    contents, slot word
     S3  slot_try: GONE, SEQ fence, pins  | pin: bit, SEQ fence, word           write into a pinned slot
         finish: word of the number + frames, SEQ fence; slot_try: pins (one writer)
     S4  unpin: CAS pins                  | slot_try: pins                      write before the last read
     S5  next: gate                       | min_gate                            overwritten while read
     S6  finish: word, SEQ fence, armed   | arm: armed, SEQ fence, word         sleeper not woken
     S7  finish: word, SEQ fence, gates   | join: gate and bit, SEQ fence, head frame lost by a reliable
         busy: odd, SEQ fence, gates      | join: ..., busy                     reader (several; batches)
     S8  expel: CAS gates                 | next: gates; valid: (fence) gates   torn frame accepted
     S9  create: magic                    | attach: magic                       half-made segment
     S10 directory: used                  | entry: used                         half-written entry
     S11 control ring: written            | written                             half-written message
     S12 control ring: read               | read                                overwritten while read
     S13 slot words: CAS or store HELD, PUBLISHED | slot_try                    bytes of two writers
     S14 detach, mark: state              | ended, health: state                END told before the last frame
     S15 put_end, session: head           | head()                              frames of the lap before
     S16 claim, sweep, deinit: entry state| claim, sweep_one, alive, info       swept half, or by two (the
                                                                                kernel's lock orders the rest)
     S17 directory_lock: CAS, store 0     | CAS                                 two entries in one place
     S18 wake: futex + 1                  | sleep: futex, again by the kernel   a sleep behind its wake-up
     S19 consumer: CAS                    | CAS                                 two that empty one ring
     S20 guard (of one process): CAS, store 0 | CAS                             two threads behind one lock
     S21 beat, generation                 | health, generation                  display; directory by S10
   Relaxed, because: contents (validated), statistics and display, the head hint, own words. */

/* >>layout */

/* A test may do something behind every store into shared memory, e.g. die. */
#ifndef TELEM_I_SHM_POINT
#define TELEM_I_SHM_POINT() ((void)0)
#endif
#define TELEM_I_SHM_SET32(p, v) do { TELEM_STORE32_RELAXED(p, v); TELEM_I_SHM_POINT(); } while (0)
#define TELEM_I_SHM_SET64(p, v) do { TELEM_STORE64_RELAXED(p, v); TELEM_I_SHM_POINT(); } while (0)
#define TELEM_I_SHM_PUT32(p, v) do { TELEM_STORE32_RELEASE(p, v); TELEM_I_SHM_POINT(); } while (0)
#define TELEM_I_SHM_PUT64(p, v) do { TELEM_STORE64_RELEASE(p, v); TELEM_I_SHM_POINT(); } while (0)

#if defined(__GNUC__)
#define TELEM_I_SHM_QUICK static inline __attribute__((always_inline)) /* the paths that are counted in ns */
#define TELEM_I_SHM_RARE __attribute__((noinline))
#define TELEM_I_SHM_TOUCH(p) __builtin_prefetch(p)
#else
#define TELEM_I_SHM_QUICK static
#define TELEM_I_SHM_RARE
#define TELEM_I_SHM_TOUCH(p) ((void)(p))
#endif
/* Asks for a line to write. Stores go out in order, each may wait for its line: asked for together, the
   lines of a frame come together. (Compilers make a prefetch for reading of it unless told which
   processor; the instruction is a no-op where it does not exist.) */
#if defined(__GNUC__) && defined(__x86_64__)
#define TELEM_I_SHM_CLAIM(p) __asm__ volatile("prefetchw %0" ::"m"(*(p)))
#elif defined(__GNUC__)
#define TELEM_I_SHM_CLAIM(p) __builtin_prefetch(p, 1)
#else
#define TELEM_I_SHM_CLAIM(p) ((void)(p))
#endif

#define TELEM_I_SHM_ORDER 0x01020304u
#define TELEM_I_SHM_HASHES 1u /* fixed.flags */
#define TELEM_I_SHM_SEALED 2u
#define TELEM_I_SHM_LIVE 1u /* live.state */
#define TELEM_I_SHM_CLOSED 2u
#define TELEM_I_SHM_REPLACED 3u
#define TELEM_I_SHM_VOID 0u /* a descriptor's state */
#define TELEM_I_SHM_RESERVED 1u
#define TELEM_I_SHM_COMMITTED 2u
#define TELEM_I_SHM_GONE 3u
#define TELEM_I_SHM_FREE 0u /* a slot's state */
#define TELEM_I_SHM_HELD 1u
#define TELEM_I_SHM_PUBLISHED 2u
#define TELEM_I_SHM_BITS 26u          /* below the number in a word */
#define TELEM_I_SHM_FAR 255u          /* inline length: the payload is in a slot */
#define TELEM_I_SHM_INLINE UINT32_MAX /* frame.slot: none */
#define TELEM_I_SHM_SCRATCH (UINT32_MAX - 1u) /* slot.slot: the handle's own buffer */
#define TELEM_I_SHM_LOOK 50000000u    /* ns: sleepers look up by themselves */
#define TELEM_I_SHM_OWNER 0u          /* locks */
#define TELEM_I_SHM_WRITER 1u
#define TELEM_I_SHM_READER 128u
#define TELEM_I_SHM_LOCKS 192u

typedef struct telem_i_shm_live { /* data + 256 */
    telem_atomic64 session;
    telem_atomic32 state, generation;
    telem_atomic64 beat, created;
    telem_atomic32 owner_pid, takeovers;
    uint64_t gap0[3];
    telem_atomic64 head;
    telem_atomic32 cursor[TELEM_SHM_CLASSES];
    uint64_t gap1[5];
    telem_atomic32 used, lock;
    uint64_t gap2[15];
} telem_i_shm_live;

typedef struct telem_i_shm_control {
    uint8_t magic[8];
    uint32_t layout, order;
    uint64_t id, bytes, gap0[4];
    telem_atomic64 armed, gates, expelled;
    telem_atomic32 consumer, gap1;
    telem_atomic64 joins;
    uint64_t gap2[3];
} telem_i_shm_control;

typedef struct telem_i_shm_writer {
    telem_atomic32 state, pid;
    telem_atomic64 instance, busy, frames, bytes, no_slot, refused, aborted;
    telem_atomic64 expelled, waited, gap[3], name[3];
} telem_i_shm_writer;

typedef struct telem_i_shm_reader {
    telem_atomic32 state, futex;
    telem_atomic64 gate, deadline, nonce;
    telem_atomic32 kind, pid;
    telem_atomic64 instance, gap[2];
    telem_atomic64 next, delivered, lost, filtered;
    telem_atomic32 flags, pins;
    telem_atomic64 name[3];
} telem_i_shm_reader;

typedef struct telem_i_shm_ring { /* a control ring's head; the data follow */
    telem_atomic64 written, gap0[7], read, gap1[7];
} telem_i_shm_ring;

TELEM_STATIC_ASSERT(sizeof(telem_i_shm_fixed) == 256, telem_shm_fixed_is_256_bytes);
TELEM_STATIC_ASSERT(offsetof(telem_i_shm_fixed, flags) == 40, telem_shm_flags_at_40);
TELEM_STATIC_ASSERT(offsetof(telem_i_shm_fixed, directory_at) == 72, telem_shm_directory_at_72);
TELEM_STATIC_ASSERT(offsetof(telem_i_shm_fixed, klass) == 112, telem_shm_classes_at_112);
TELEM_STATIC_ASSERT(offsetof(telem_i_shm_fixed, clock_num) == 208, telem_shm_clock_at_208);
TELEM_STATIC_ASSERT(sizeof(telem_i_shm_live) == 256, telem_shm_live_is_256_bytes);
TELEM_STATIC_ASSERT(offsetof(telem_i_shm_live, head) == 64, telem_shm_head_in_line_1);
TELEM_STATIC_ASSERT(offsetof(telem_i_shm_live, used) == 128, telem_shm_directory_in_line_2);
TELEM_STATIC_ASSERT(sizeof(telem_i_shm_control) == 128, telem_shm_control_is_128_bytes);
TELEM_STATIC_ASSERT(offsetof(telem_i_shm_control, armed) == 64, telem_shm_armed_in_line_1);
TELEM_STATIC_ASSERT(sizeof(telem_i_shm_writer) == 128, telem_shm_writer_is_128_bytes);
TELEM_STATIC_ASSERT(sizeof(telem_i_shm_reader) == 128, telem_shm_reader_is_128_bytes);
TELEM_STATIC_ASSERT(offsetof(telem_i_shm_reader, next) == 64, telem_shm_display_in_line_1);
TELEM_STATIC_ASSERT(sizeof(telem_i_shm_ring) == 128, telem_shm_ring_head_is_128_bytes);

static const uint8_t telem_i_shm_magic[8] = {0x89, 0x54, 0x53, 0x48, 0x4D, 0x0D, 0x0A, 0x1A};
static const uint8_t telem_i_shm_magic_control[8] = {0x89, 0x54, 0x53, 0x48, 0x43, 0x0D, 0x0A, 0x1A};

/* Words of the segment; bases are at least 64-aligned, offsets come from the checked geometry. */
TELEM_I_SHM_QUICK telem_atomic64 *telem_i_shm_at64(uint8_t *base, uint64_t at) {
    return (telem_atomic64 *)(void *)(base + (size_t)at);
}
TELEM_I_SHM_QUICK telem_i_shm_live *telem_i_shm_live_of(const telem_shm *s) {
    return (telem_i_shm_live *)(void *)(s->data + 256);
}
TELEM_I_SHM_QUICK telem_i_shm_control *telem_i_shm_control_of(const telem_shm *s) {
    return (telem_i_shm_control *)(void *)s->control;
}
TELEM_I_SHM_QUICK telem_i_shm_writer *telem_i_shm_writer_at(const telem_shm *s, uint32_t i) {
    return (telem_i_shm_writer *)(void *)(s->control + s->g.writers_at + (size_t)i * 128u);
}
TELEM_I_SHM_QUICK telem_i_shm_reader *telem_i_shm_reader_at(const telem_shm *s, uint32_t i) {
    return (telem_i_shm_reader *)(void *)(s->control + s->g.readers_at + (size_t)i * 128u);
}
static telem_i_shm_ring *telem_i_shm_ring_at(const telem_shm *s, uint32_t i) {
    return (telem_i_shm_ring *)(void *)(s->control + s->g.rings_at + (size_t)i * (128u + s->g.control_ring));
}
TELEM_I_SHM_QUICK telem_atomic64 *telem_i_shm_desc_at(const telem_shm *s, uint64_t n) {
    return telem_i_shm_at64(s->ring, (n & s->mask) << s->shift);
}
static telem_atomic64 *telem_i_shm_slot_at(const telem_shm *s, uint32_t slot) {
    return telem_i_shm_at64(s->data, s->g.slots_at + (uint64_t)slot * 8u);
}
static telem_atomic64 *telem_i_shm_pins_at(const telem_shm *s, uint32_t slot) {
    return telem_i_shm_at64(s->control, s->g.pins_at + (uint64_t)slot * 8u);
}

TELEM_I_SHM_QUICK uint64_t telem_i_shm_word(uint64_t n, uint32_t state, uint32_t low, uint32_t stream) {
    return n << TELEM_I_SHM_BITS | (uint64_t)stream << 10 | (uint64_t)low << 2 | state;
}
/* How far the number in a word is ahead of n; 0: it is n. */
TELEM_I_SHM_QUICK int64_t telem_i_shm_ahead(uint64_t word, uint64_t n) {
    uint64_t d = (word >> TELEM_I_SHM_BITS) - n;
    uint64_t sign = (uint64_t)1 << (63u - TELEM_I_SHM_BITS);
    d &= (sign << 1) - 1u;
    return telem_i_signed((d ^ sign) - sign);
}
#define TELEM_I_SHM_STATE(word) ((uint32_t)((word) & 3u))
#define TELEM_I_SHM_LOW(word) ((uint32_t)((word) >> 2 & 255u))
#define TELEM_I_SHM_IS(word, n) ((((word) ^ (n) << TELEM_I_SHM_BITS) >> TELEM_I_SHM_BITS) == 0)

static void telem_i_shm_bits_set(telem_atomic64 *p, uint64_t bits) {
    uint64_t was = TELEM_LOAD64_RELAXED(p);
    while ((was & bits) != bits && !TELEM_CAS64(p, &was, was | bits)) {
    }
    TELEM_I_SHM_POINT();
}
static void telem_i_shm_bits_clear(telem_atomic64 *p, uint64_t bits) {
    uint64_t was = TELEM_LOAD64_RELAXED(p);
    while ((was & bits) != 0 && !TELEM_CAS64(p, &was, was & ~bits)) {
    }
    TELEM_I_SHM_POINT();
}

static void telem_i_shm_name_put(telem_atomic64 *to, const char *name) {
    char text[24];
    uint64_t v;
    uint32_t i;
    (void)telem_string_copy(text, 23, name);
    text[23] = 0;
    for (i = 0; i < 3; i++) {
        memcpy(&v, text + 8u * i, 8);
        TELEM_I_SHM_SET64(to + i, v);
    }
}
/* Text of somebody else: anything unprintable becomes '?'. */
static void telem_i_shm_name_get(char *name, const telem_atomic64 *from) {
    uint32_t i;
    uint64_t v;
    for (i = 0; i < 3; i++) {
        v = TELEM_LOAD64_RELAXED(from + i);
        memcpy(name + 8u * i, &v, 8);
    }
    name[23] = 0;
    for (i = 0; name[i]; i++)
        if ((uint8_t)name[i] < 0x20u || (uint8_t)name[i] > 0x7Eu) name[i] = '?';
    memset(name + i, 0, 24u - i);
}

/* Payload in and out by relaxed words; bytes behind the end are zeros resp. not written. Eight at a
   time: as many lines as the processor can ask for are on their way. */
TELEM_I_SHM_QUICK void telem_i_shm_word_put(telem_atomic64 *to, const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    TELEM_I_SHM_SET64(to, v);
}
TELEM_I_SHM_QUICK void telem_i_shm_word_get(uint8_t *p, const telem_atomic64 *from) {
    uint64_t v = TELEM_LOAD64_RELAXED(from);
    memcpy(p, &v, 8);
}
static TELEM_I_SHM_RARE void telem_i_shm_last_put(telem_atomic64 *to, const uint8_t *p, uint64_t n) {
    uint8_t last[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    uint32_t at = 0;
    if (n & 4u) memcpy(last, p, 4), at = 4;
    if (n & 2u) memcpy(last + at, p + at, 2), at += 2;
    if (n & 1u) last[at] = p[at];
    telem_i_shm_word_put(to, last);
}
static void telem_i_shm_words_put(telem_atomic64 *to, const void *from, uint64_t n) {
    const uint8_t *p = (const uint8_t *)from;
    for (; n >= 64; n -= 64, p += 64, to += 8) {
        if (n > 576) TELEM_I_SHM_CLAIM(to + 64);
        telem_i_shm_word_put(to, p), telem_i_shm_word_put(to + 1, p + 8);
        telem_i_shm_word_put(to + 2, p + 16), telem_i_shm_word_put(to + 3, p + 24);
        telem_i_shm_word_put(to + 4, p + 32), telem_i_shm_word_put(to + 5, p + 40);
        telem_i_shm_word_put(to + 6, p + 48), telem_i_shm_word_put(to + 7, p + 56);
    }
    for (; n >= 8; n -= 8, p += 8) telem_i_shm_word_put(to++, p);
    if (n > 0) telem_i_shm_last_put(to, p, n);
}
static void telem_i_shm_words_get(void *to, const telem_atomic64 *from, uint64_t n) {
    uint8_t *p = (uint8_t *)to;
    uint64_t v;
    for (; n >= 64; n -= 64, p += 64, from += 8) {
        telem_i_shm_word_get(p, from), telem_i_shm_word_get(p + 8, from + 1);
        telem_i_shm_word_get(p + 16, from + 2), telem_i_shm_word_get(p + 24, from + 3);
        telem_i_shm_word_get(p + 32, from + 4), telem_i_shm_word_get(p + 40, from + 5);
        telem_i_shm_word_get(p + 48, from + 6), telem_i_shm_word_get(p + 56, from + 7);
    }
    for (; n >= 8; n -= 8, p += 8) telem_i_shm_word_get(p, from++);
    if (n > 0) {
        v = TELEM_LOAD64_RELAXED(from);
        memcpy(p, &v, (size_t)n);
    }
}

static uint64_t telem_i_shm_round(uint64_t n, uint64_t to) { return (n + to - 1u) & ~(to - 1u); }

static uint64_t telem_i_shm_mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

/* >>system: files, mappings, locks, sleep. One set for Linux, one for Windows, none without. */

#if TELEM_I_SYSTEM && defined(_WIN32)
#define TELEM_I_SHM_WINDOWS 1
#define TELEM_I_SHM_LINUX 0
#elif TELEM_I_SYSTEM && defined(__linux__)
#define TELEM_I_SHM_WINDOWS 0
#define TELEM_I_SHM_LINUX 1
#else
#define TELEM_I_SHM_WINDOWS 0
#define TELEM_I_SHM_LINUX 0
#endif

#define TELEM_I_SHM_READ 0 /* how to open */
#define TELEM_I_SHM_WRITE 1
#define TELEM_I_SHM_CREATE 2 /* or open for writing */
#define TELEM_I_SHM_NEW 3    /* must not exist */
#define TELEM_I_SHM_NONE ((intptr_t)-1)

#if defined(__i386__) || defined(__x86_64__)
#define TELEM_I_SHM_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define TELEM_I_SHM_PAUSE() __asm__ volatile("yield" ::: "memory")
#elif defined(_MSC_VER)
#define TELEM_I_SHM_PAUSE() YieldProcessor()
#else
#define TELEM_I_SHM_PAUSE() ((void)0)
#endif

#if TELEM_I_SHM_LINUX
#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#if !defined(__cplusplus) && !defined(_DEFAULT_SOURCE) && !defined(_GNU_SOURCE)
extern long syscall(long number, ...);
extern int fchown(int, uid_t, gid_t);
extern int madvise(void *, size_t, int);
#endif
/* Kernel constants that strict modes of the C library hide. */
#define TELEM_I_SHM_OFD_GETLK 36
#define TELEM_I_SHM_OFD_SETLK 37
#define TELEM_I_SHM_FUTEX_WAIT 0
#define TELEM_I_SHM_FUTEX_WAKE 1
#define TELEM_I_SHM_ADD_SEALS 1033
#define TELEM_I_SHM_GET_SEALS 1034
#define TELEM_I_SHM_SEALS (1 | 2 | 4) /* SEAL, SHRINK, GROW */
#define TELEM_I_SHM_SEAL_FUTURE_WRITE 16
#define TELEM_I_SHM_MADV_HUGEPAGE 14
#if defined(MAP_POPULATE)
#define TELEM_I_SHM_POPULATE MAP_POPULATE
#elif defined(__mips__)
#define TELEM_I_SHM_POPULATE 0x10000
#else
#define TELEM_I_SHM_POPULATE 0x8000
#endif
#if defined(SYS_futex)
#define TELEM_I_SHM_SYS_FUTEX SYS_futex
#else
#define TELEM_I_SHM_SYS_FUTEX SYS_futex_time64
#endif
#define TELEM_I_SHM_LOCK_BASE 0x40000000

static telem_result telem_i_shm_errno(int e) {
    if (e == ENOENT || e == ENOTDIR) return TELEM_ERR_NOT_FOUND;
    if (e == EEXIST) return TELEM_ERR_EXISTS;
    if (e == ENOMEM || e == EMFILE || e == ENFILE) return TELEM_ERR_SPACE;
    if (e == ELOOP) return TELEM_ERR_ACCESS; /* a symbolic link where a segment was expected */
    return telem_i_errno_result(e);
}

static uint64_t telem_i_shm_now(void) { return telem_i_timespec_ns(CLOCK_MONOTONIC); }
static uint32_t telem_i_shm_pid(void) { return (uint32_t)getpid(); }
static void telem_i_shm_nap(uint64_t ns) {
    struct timespec t;
    t.tv_sec = (time_t)(ns / 1000000000u);
    t.tv_nsec = (long)(ns % 1000000000u);
    (void)nanosleep(&t, NULL);
}

static const char *telem_i_shm_dir(const char *dir) { return dir ? dir : "/dev/shm"; }

static telem_result telem_i_shm_open(const char *path, int how, intptr_t *file) {
    int flags = how == TELEM_I_SHM_READ ? O_RDONLY : O_RDWR, fd;
    if (how == TELEM_I_SHM_CREATE) flags |= O_CREAT;
    if (how == TELEM_I_SHM_NEW) flags |= O_CREAT | O_EXCL;
    do fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) return telem_i_shm_errno(errno);
    *file = fd;
    return TELEM_OK;
}
static void telem_i_shm_close(intptr_t file) {
    if (file != TELEM_I_SHM_NONE) (void)close((int)file);
}
static telem_result telem_i_shm_remove(const char *path) {
    return unlink(path) == 0 ? TELEM_OK : telem_i_shm_errno(errno);
}
/* Is the file still what the path names? */
static int telem_i_shm_same(intptr_t file, const char *path) {
    struct stat a, b;
    return fstat((int)file, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}
static telem_result telem_i_shm_size(intptr_t file, uint64_t *size) {
    struct stat st;
    if (fstat((int)file, &st) != 0) return telem_i_shm_errno(errno);
    if (!S_ISREG(st.st_mode)) return TELEM_ERR_CORRUPT;
    *size = (uint64_t)st.st_size;
    return TELEM_OK;
}
static telem_result telem_i_shm_allocate(intptr_t file, uint64_t size) {
    int e;
    if (size > (uint64_t)INT64_MAX || (uint64_t)(off_t)size != size) return TELEM_ERR_LIMIT;
    do e = posix_fallocate((int)file, 0, (off_t)size);
    while (e == EINTR);
    return e == 0 ? TELEM_OK : telem_i_shm_errno(e);
}
static telem_result telem_i_shm_rights(intptr_t file, uint32_t mode, uint32_t group) {
    if (group && fchown((int)file, (uid_t)-1, (gid_t)group) != 0) return telem_i_shm_errno(errno);
    return fchmod((int)file, (mode_t)mode) == 0 ? TELEM_OK : telem_i_shm_errno(errno);
}
/* Made by this user? A stranger's object under our name could be read, and shrunk, by him. */
static int telem_i_shm_ours(intptr_t file) {
    struct stat st;
    return fstat((int)file, &st) == 0 && st.st_uid == geteuid();
}
static void *telem_i_shm_map(intptr_t file, uint64_t size, int writable, int prefault, int huge) {
    int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *p =
        mmap(NULL, (size_t)size, prot, MAP_SHARED | (prefault ? TELEM_I_SHM_POPULATE : 0), (int)file, 0);
    if (p == MAP_FAILED) return NULL;
    if (huge) (void)madvise(p, (size_t)size, TELEM_I_SHM_MADV_HUGEPAGE); /* a wish */
    return p;
}
static void telem_i_shm_unmap(void *p, uint64_t size) { (void)munmap(p, (size_t)size); }

static telem_result telem_i_shm_lock_call(intptr_t file, int command, uint32_t byte, uint32_t n, short type,
                                          short *out) {
    struct flock l;
    memset(&l, 0, sizeof l);
    l.l_type = type;
    l.l_whence = SEEK_SET;
    l.l_start = TELEM_I_SHM_LOCK_BASE + (off_t)byte;
    l.l_len = (off_t)n;
    while (fcntl((int)file, command, &l) != 0)
        if (errno != EINTR)
            return errno == EAGAIN || errno == EACCES ? TELEM_AGAIN : telem_i_shm_errno(errno);
    *out = l.l_type;
    return TELEM_OK;
}
/* Takes a lock byte for this open file description; not for long: the kernel drops it at its end. */
static telem_result telem_i_shm_lock(intptr_t file, uint32_t byte) {
    short t;
    return telem_i_shm_lock_call(file, TELEM_I_SHM_OFD_SETLK, byte, 1, F_WRLCK, &t);
}
static void telem_i_shm_unlock(intptr_t file, uint32_t byte) {
    short t;
    (void)telem_i_shm_lock_call(file, TELEM_I_SHM_OFD_SETLK, byte, 1, F_UNLCK, &t);
}
/* Does another description hold one of n bytes? When it cannot be told: yes. */
static int telem_i_shm_locked(intptr_t file, uint32_t byte, uint32_t n) {
    short t = F_UNLCK;
    return telem_i_shm_lock_call(file, TELEM_I_SHM_OFD_GETLK, byte, n, F_WRLCK, &t) != TELEM_OK ||
           t != F_UNLCK;
}

static telem_result telem_i_shm_memfd(uint64_t *size, int huge, intptr_t *file) {
    long fd = syscall(SYS_memfd_create, "telem", 1u | 2u | (huge ? 4u : 0u)); /* CLOEXEC, SEALING, HUGETLB */
    telem_result r;
    if (fd < 0) return errno == ENOSYS || errno == EINVAL ? TELEM_ERR_UNSUPPORTED : telem_i_shm_errno(errno);
    if (huge) *size = telem_i_shm_round(*size, (uint64_t)1 << 21);
    r = telem_i_shm_allocate(fd, *size);
    if (r != TELEM_OK) (void)close((int)fd);
    else *file = fd;
    return r;
}
static telem_result telem_i_shm_seal(intptr_t file, int future_write) {
    int seals = TELEM_I_SHM_SEALS & ~1;
    if (future_write) seals |= TELEM_I_SHM_SEAL_FUTURE_WRITE;
    return fcntl((int)file, TELEM_I_SHM_ADD_SEALS, seals) == 0 ? TELEM_OK : TELEM_ERR_UNSUPPORTED;
}
/* Can the file never shrink? (What does not know seals can.) */
static int telem_i_shm_sealed(int fd) {
    int seals = fcntl(fd, TELEM_I_SHM_GET_SEALS);
    return seals >= 0 && (seals & 2) != 0;
}
/* A handed descriptor shares its locks with whoever handed it over: a description of one's own is
   needed. */
static telem_result telem_i_shm_reopen(int fd, int how, intptr_t *file) {
    char path[40] = "/proc/self/fd/";
    size_t at = strlen(path);
    if (fd < 0) return TELEM_ERR_ARG;
    at += telem_print_u64(path + at, sizeof path - at, (uint64_t)fd);
    path[at] = 0;
    {
        int flags = how == TELEM_I_SHM_READ ? O_RDONLY : O_RDWR, opened = open(path, flags | O_CLOEXEC);
        if (opened < 0) return telem_i_shm_errno(errno);
        *file = opened;
    }
    return TELEM_OK;
}

/* Sleeps while the word holds `value`, at most ns. Returns when woken, or early. */
static void telem_i_shm_sleep_on(telem_shm_reader *rd, telem_atomic32 *word, uint32_t value, uint64_t ns) {
    struct timespec t;
    (void)rd;
    t.tv_sec = (time_t)(ns / 1000000000u);
    t.tv_nsec = (long)(ns % 1000000000u);
    (void)syscall(TELEM_I_SHM_SYS_FUTEX, word, TELEM_I_SHM_FUTEX_WAIT, value, &t, NULL, 0);
}
static void telem_i_shm_wake_word(telem_atomic32 *word) {
    (void)syscall(TELEM_I_SHM_SYS_FUTEX, word, TELEM_I_SHM_FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Abstract name "\0telem-shm-" and 16 hex digits. */
typedef union telem_i_shm_peer {
    struct sockaddr_un name;
    struct sockaddr any;
} telem_i_shm_peer;
static socklen_t telem_i_shm_address(telem_i_shm_peer *a, uint64_t nonce) {
    uint32_t i;
    memset(a, 0, sizeof *a);
    a->name.sun_family = AF_UNIX;
    memcpy(a->name.sun_path + 1, "telem-shm-", 10);
    for (i = 0; i < 16; i++) a->name.sun_path[11 + i] = "0123456789abcdef"[nonce >> (60u - 4u * i) & 15u];
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 27u);
}
static telem_result telem_i_shm_ear_open(uint64_t nonce, intptr_t *ear) {
    telem_i_shm_peer a;
    socklen_t n = telem_i_shm_address(&a, nonce);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return telem_i_shm_errno(errno);
    if (bind(fd, &a.any, n) != 0) {
        telem_result r = telem_i_shm_errno(errno);
        (void)close(fd);
        return r;
    }
    *ear = fd;
    return TELEM_OK;
}
static void telem_i_shm_ear_close(intptr_t ear) { telem_i_shm_close(ear); }
static void telem_i_shm_ear_drain(intptr_t ear) {
    char byte[8];
    int budget = 64;
    while (budget-- > 0 && recv((int)ear, byte, sizeof byte, 0) >= 0) {
    }
}
static void telem_i_shm_call(telem_shm_writer *w, uint64_t nonce) {
    telem_i_shm_peer a;
    socklen_t n = telem_i_shm_address(&a, nonce);
    if (w->socket == TELEM_I_SHM_NONE) w->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (w->socket != TELEM_I_SHM_NONE)
        (void)sendto((int)w->socket, "", 1, MSG_DONTWAIT, &a.any, n);
}
#define TELEM_I_SHM_EAR_KIND 1u
#define TELEM_I_SHM_ANY 64u /* readers in one wait */
static void telem_i_shm_ears_wait(const intptr_t *ears, uint32_t n, uint64_t ns) {
    struct pollfd p[TELEM_I_SHM_ANY];
    uint32_t i;
    for (i = 0; i < n; i++) {
        p[i].fd = (int)ears[i];
        p[i].events = POLLIN;
        p[i].revents = 0;
    }
    (void)poll(p, (nfds_t)n, (int)((ns + 999999u) / 1000000u));
}

/* Calls fn with each file name of a directory; fn answers non-zero to stop. */
static telem_result telem_i_shm_names(const char *dir, int (*fn)(void *user, const char *file), void *user) {
    DIR *d = opendir(telem_i_shm_dir(dir));
    const struct dirent *e;
    if (!d) return telem_i_shm_errno(errno);
    while ((e = readdir(d)) != NULL)
        if (fn(user, e->d_name)) break;
    (void)closedir(d);
    return TELEM_OK;
}
#define TELEM_I_SHM_SYSTEM 1

#elif TELEM_I_SHM_WINDOWS
static telem_result telem_i_shm_last_error(void) {
    DWORD e = GetLastError();
    if (e == ERROR_FILE_NOT_FOUND || e == ERROR_PATH_NOT_FOUND) return TELEM_ERR_NOT_FOUND;
    if (e == ERROR_FILE_EXISTS || e == ERROR_ALREADY_EXISTS) return TELEM_ERR_EXISTS;
    if (e == ERROR_ACCESS_DENIED || e == ERROR_SHARING_VIOLATION) return TELEM_ERR_ACCESS;
    if (e == ERROR_DISK_FULL || e == ERROR_HANDLE_DISK_FULL || e == ERROR_NOT_ENOUGH_MEMORY)
        return TELEM_ERR_SPACE;
    return e == ERROR_LOCK_VIOLATION || e == ERROR_IO_PENDING ? TELEM_AGAIN : TELEM_ERR_IO;
}
static uint64_t telem_i_shm_now(void) { return telem_i_monotonic_ns(NULL); }
static uint32_t telem_i_shm_pid(void) { return (uint32_t)GetCurrentProcessId(); }
static void telem_i_shm_nap(uint64_t ns) { Sleep((DWORD)((ns + 999999u) / 1000000u)); }

static const char *telem_i_shm_dir(const char *dir) {
    static char temp[MAX_PATH + 2];
    DWORD n;
    if (dir) return dir;
    n = GetTempPathA(MAX_PATH, temp);
    while (n > 0 && (temp[n - 1] == '\\' || temp[n - 1] == '/')) temp[--n] = 0;
    return n > 0 ? temp : ".";
}

static telem_result telem_i_shm_open(const char *path, int how, intptr_t *file) {
    DWORD access = how == TELEM_I_SHM_READ ? GENERIC_READ : GENERIC_READ | GENERIC_WRITE;
    DWORD make = how == TELEM_I_SHM_CREATE ? OPEN_ALWAYS
                 : how == TELEM_I_SHM_NEW  ? CREATE_NEW
                                           : OPEN_EXISTING;
    HANDLE h = CreateFileA(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, make,
                           FILE_ATTRIBUTE_TEMPORARY, NULL);
    if (h == INVALID_HANDLE_VALUE) return telem_i_shm_last_error();
    *file = (intptr_t)h;
    return TELEM_OK;
}
static void telem_i_shm_close(intptr_t file) {
    if (file != TELEM_I_SHM_NONE) (void)CloseHandle((HANDLE)file);
}
/* A file in use keeps its name until its last handle closes, or cannot be deleted at all: so it is
   renamed first. What stays goes when telem_shm_collect comes by. */
static telem_result telem_i_shm_remove(const char *path) {
    char aside[TELEM_SHM_PATH_MAX + TELEM_SHM_NAME_MAX + 48u];
    size_t n = strlen(path);
    memcpy(aside, path, n);
    aside[n++] = '.';
    n += telem_print_u64(aside + n, 24, telem_i_shm_now());
    memcpy(aside + n, ".gone", 6);
    if (!MoveFileExA(path, aside, MOVEFILE_REPLACE_EXISTING)) return telem_i_shm_last_error();
    (void)DeleteFileA(aside);
    return TELEM_OK;
}
static int telem_i_shm_same(intptr_t file, const char *path) {
    BY_HANDLE_FILE_INFORMATION a, b;
    intptr_t other = TELEM_I_SHM_NONE;
    int same;
    if (telem_i_shm_open(path, TELEM_I_SHM_READ, &other) != TELEM_OK) return 0;
    same = GetFileInformationByHandle((HANDLE)file, &a) && GetFileInformationByHandle((HANDLE)other, &b) &&
           a.dwVolumeSerialNumber == b.dwVolumeSerialNumber && a.nFileIndexHigh == b.nFileIndexHigh &&
           a.nFileIndexLow == b.nFileIndexLow;
    telem_i_shm_close(other);
    return same;
}
static telem_result telem_i_shm_size(intptr_t file, uint64_t *size) {
    LARGE_INTEGER n;
    if (!GetFileSizeEx((HANDLE)file, &n)) return telem_i_shm_last_error();
    *size = (uint64_t)n.QuadPart;
    return TELEM_OK;
}
static telem_result telem_i_shm_allocate(intptr_t file, uint64_t size) {
    LARGE_INTEGER n;
    n.QuadPart = (LONGLONG)size;
    if (!SetFilePointerEx((HANDLE)file, n, NULL, FILE_BEGIN) || !SetEndOfFile((HANDLE)file))
        return telem_i_shm_last_error();
    return TELEM_OK;
}
static telem_result telem_i_shm_rights(intptr_t file, uint32_t mode,
                                       uint32_t group) { /* as the directory says */
    (void)file, (void)mode, (void)group;
    return TELEM_OK;
}
static int telem_i_shm_ours(intptr_t file) {
    (void)file;
    return 1;
}
static void *telem_i_shm_map(intptr_t file, uint64_t size, int writable, int prefault, int huge) {
    HANDLE m = CreateFileMappingA((HANDLE)file, NULL, writable ? PAGE_READWRITE : PAGE_READONLY, 0, 0, NULL);
    uint8_t *p;
    uint64_t at;
    (void)huge;
    if (!m) return NULL;
    p = (uint8_t *)MapViewOfFile(m, writable ? FILE_MAP_WRITE : FILE_MAP_READ, 0, 0, (SIZE_T)size);
    (void)CloseHandle(m);
    for (at = 0; p && prefault && at < size; at += 4096u) (void)*(volatile uint8_t *)(p + (size_t)at);
    return p;
}
static void telem_i_shm_unmap(void *p, uint64_t size) {
    (void)size;
    (void)UnmapViewOfFile(p);
}

static int telem_i_shm_lock_call(intptr_t file, uint32_t byte, uint32_t n) {
    OVERLAPPED o;
    memset(&o, 0, sizeof o);
    o.Offset = 0x40000000u + byte;
    return LockFileEx((HANDLE)file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, n, 0, &o) ? 1 : 0;
}
static void telem_i_shm_unlock_call(intptr_t file, uint32_t byte, uint32_t n) {
    OVERLAPPED o;
    memset(&o, 0, sizeof o);
    o.Offset = 0x40000000u + byte;
    (void)UnlockFileEx((HANDLE)file, 0, n, 0, &o);
}
/* Who looks whether a byte is locked holds it for a moment: so not the first refusal counts. */
static telem_result telem_i_shm_lock(intptr_t file, uint32_t byte) {
    int tries = 20;
    while (tries-- > 0) {
        if (telem_i_shm_lock_call(file, byte, 1)) return TELEM_OK;
        (void)SwitchToThread();
    }
    return TELEM_AGAIN;
}
static void telem_i_shm_unlock(intptr_t file, uint32_t byte) { telem_i_shm_unlock_call(file, byte, 1); }
static int telem_i_shm_locked(intptr_t file, uint32_t byte, uint32_t n) {
    if (!telem_i_shm_lock_call(file, byte, n)) return 1;
    telem_i_shm_unlock_call(file, byte, n);
    return 0;
}

static void telem_i_shm_sleep_on(telem_shm_reader *rd, telem_atomic32 *word, uint32_t value, uint64_t ns) {
    (void)rd; /* only when no event could be made */
    if (TELEM_LOAD32_ACQUIRE(word) == value) telem_i_shm_nap(ns < 1000000u ? ns : 1000000u);
}
static void telem_i_shm_wake_word(telem_atomic32 *word) { (void)word; }

static void telem_i_shm_event_name(char name[40], uint64_t nonce) {
    uint32_t i;
    memcpy(name, "Local\\telem-shm-", 16);
    for (i = 0; i < 16; i++) name[16 + i] = "0123456789abcdef"[nonce >> (60u - 4u * i) & 15u];
    name[32] = 0;
}
static telem_result telem_i_shm_ear_open(uint64_t nonce, intptr_t *ear) {
    char name[40];
    HANDLE h;
    telem_i_shm_event_name(name, nonce);
    h = CreateEventA(NULL, FALSE, FALSE, name);
    if (!h) return telem_i_shm_last_error();
    *ear = (intptr_t)h;
    return TELEM_OK;
}
static void telem_i_shm_ear_close(intptr_t ear) { telem_i_shm_close(ear); }
static void telem_i_shm_ear_drain(intptr_t ear) { (void)ResetEvent((HANDLE)ear); }
static void telem_i_shm_call(telem_shm_writer *w, uint64_t nonce) {
    char name[40];
    HANDLE h;
    (void)w;
    telem_i_shm_event_name(name, nonce);
    h = OpenEventA(EVENT_MODIFY_STATE, FALSE, name);
    if (!h) return;
    (void)SetEvent(h);
    (void)CloseHandle(h);
}
#define TELEM_I_SHM_EAR_KIND 2u
#define TELEM_I_SHM_ANY 64u
static void telem_i_shm_ears_wait(const intptr_t *ears, uint32_t n, uint64_t ns) {
    HANDLE h[TELEM_I_SHM_ANY];
    uint32_t i;
    for (i = 0; i < n; i++) h[i] = (HANDLE)ears[i];
    (void)WaitForMultipleObjects(n, h, FALSE, (DWORD)((ns + 999999u) / 1000000u));
}

static telem_result telem_i_shm_names(const char *dir, int (*fn)(void *user, const char *file), void *user) {
    char pattern[TELEM_SHM_PATH_MAX + 16u];
    const char *base = telem_i_shm_dir(dir);
    WIN32_FIND_DATAA e;
    HANDLE h;
    size_t n = strlen(base);
    if (n > TELEM_SHM_PATH_MAX) return TELEM_ERR_ARG;
    memcpy(pattern, base, n);
    memcpy(pattern + n, "/telem.*", 9);
    h = FindFirstFileA(pattern, &e);
    if (h == INVALID_HANDLE_VALUE)
        return GetLastError() == ERROR_FILE_NOT_FOUND ? TELEM_OK : telem_i_shm_last_error();
    do {
        if (fn(user, e.cFileName)) break;
    } while (FindNextFileA(h, &e));
    (void)FindClose(h);
    return TELEM_OK;
}
#define TELEM_I_SHM_SYSTEM 1

#else /* memory of the caller only */
#define TELEM_I_SHM_SYSTEM 0
#define TELEM_I_SHM_EAR_KIND 1u
static uint64_t telem_i_shm_now(void) { return 0; }
static uint32_t telem_i_shm_pid(void) { return 0; }
static void telem_i_shm_nap(uint64_t ns) { (void)ns; }
static void telem_i_shm_sleep_on(telem_shm_reader *rd, telem_atomic32 *word, uint32_t value, uint64_t ns) {
    (void)rd, (void)word, (void)value, (void)ns;
}
static void telem_i_shm_wake_word(telem_atomic32 *word) { (void)word; }
static void telem_i_shm_call(telem_shm_writer *w, uint64_t nonce) { (void)w, (void)nonce; }
static void telem_i_shm_ear_close(intptr_t ear) { (void)ear; }
#endif

/* >>plan: all sizes and offsets from the free fields. The same for who makes a segment and for who
   checks one. */

static telem_result telem_i_shm_plan_classes(telem_i_shm_fixed *g, uint64_t *at) {
    uint32_t c;
    for (c = 0, g->slots = 0; c < g->classes; c++) {
        telem_i_shm_class *k = &g->klass[c];
        if (k->bytes == 0 || k->bytes > (uint64_t)1 << 40 || k->count == 0 || k->count > 1u << 20)
            return TELEM_ERR_LIMIT;
        k->bytes = telem_i_shm_round(k->bytes, k->bytes >= 4096u ? 4096u : 64u);
        if (c > 0 && k->bytes <= g->klass[c - 1].bytes) return TELEM_ERR_ARG;
        if (k->count <= g->writers + (uint64_t)g->pins * g->readers) return TELEM_ERR_LIMIT;
        k->first = g->slots;
        g->slots += k->count;
    }
    for (; c < TELEM_SHM_CLASSES; c++) memset(&g->klass[c], 0, sizeof g->klass[c]);
    if (g->slots > 1u << 20) return TELEM_ERR_LIMIT;
    g->slots_at = (uint32_t)*at;
    *at += telem_i_shm_round(8u * (uint64_t)g->slots, 64u);
    for (c = 0; c < g->classes; c++) {
        telem_i_shm_class *k = &g->klass[c];
        *at = telem_i_shm_round(*at, k->bytes >= 4096u ? 4096u : 64u);
        k->offset = *at;
        *at += k->bytes * k->count;
        if (*at > (uint64_t)1 << 46) return TELEM_ERR_LIMIT;
    }
    return TELEM_OK;
}

static telem_result telem_i_shm_plan(telem_i_shm_fixed *g) {
    uint64_t at = 512;
    telem_result r;
    if (g->writers == 0 || g->writers > TELEM_SHM_WRITERS_MAX || g->readers == 0 ||
        g->readers > TELEM_SHM_READERS_MAX || g->pins > 65535u || g->classes > TELEM_SHM_CLASSES)
        return TELEM_ERR_LIMIT;
    if (g->frames < 2 || g->frames > 1u << 20 || (g->frames & (g->frames - 1u)) != 0 ||
        g->frames < g->writers)
        return TELEM_ERR_LIMIT;
    if (g->stride != 64 && g->stride != 128 && g->stride != 256) return TELEM_ERR_LIMIT;
    if (g->directory_bytes > 1u << 20 || g->directory_bytes % 64u != 0) return TELEM_ERR_LIMIT;
    if (g->control_ring && (g->control_ring < 256u || g->control_ring > 1u << 24 ||
                            (g->control_ring & (g->control_ring - 1u)) != 0))
        return TELEM_ERR_LIMIT;
    g->directory_at = (uint32_t)at;
    at += g->directory_bytes;
    g->ring_at = (uint32_t)at;
    at += (uint64_t)g->frames * g->stride;
    g->inline_bytes = g->stride - 16u;
    r = telem_i_shm_plan_classes(g, &at);
    if (r != TELEM_OK) return r;
    g->data_bytes = at;
    g->writers_at = 128;
    g->readers_at = g->writers_at + 128u * g->writers;
    g->pins_at = g->readers_at + 128u * g->readers;
    g->rings_at = g->pins_at + (uint32_t)telem_i_shm_round(8u * (uint64_t)g->slots, 64u);
    at = g->rings_at;
    if (g->control_ring) at += (uint64_t)g->readers * (128u + g->control_ring);
    g->control_bytes = at;
    if (g->data_bytes > (SIZE_MAX >> 1) || g->control_bytes > (SIZE_MAX >> 1)) return TELEM_ERR_LIMIT;
    return TELEM_OK;
}

static telem_result telem_i_shm_plan_desc(telem_i_shm_fixed *g, const telem_shm_desc *d) {
    uint32_t want = d->frames ? d->frames : 64u, line = d->inline_bytes ? d->inline_bytes : 48u, c;
    memset(g, 0, sizeof *g);
    if (want > 1u << 20 || line > TELEM_SHM_INLINE_MAX || d->directory > 1u << 20) return TELEM_ERR_LIMIT;
    memcpy(g->magic, telem_i_shm_magic, 8);
    g->layout = TELEM_SHM_LAYOUT;
    g->order = TELEM_I_SHM_ORDER;
    g->flags = (d->hash ? TELEM_I_SHM_HASHES : 0u) | (d->sealed ? TELEM_I_SHM_SEALED : 0u);
    g->writers = d->writers ? d->writers : 1u;
    g->readers = d->readers ? d->readers : 8u;
    g->pins = d->pins;
    for (g->frames = 2; g->frames < want || g->frames < g->writers; g->frames *= 2u)
        if (g->frames >= 1u << 20) return TELEM_ERR_LIMIT;
    g->stride = line <= 48u ? 64u : line <= 112u ? 128u : 256u;
    g->directory_bytes = (uint32_t)telem_i_shm_round(d->directory ? d->directory : 2048u, 64u);
    g->control_ring = d->control_ring;
    for (c = 0; c < TELEM_SHM_CLASSES && (d->classes[c].bytes || (c == 0 && d->payload)); c++) {
        g->klass[c].bytes = d->classes[c].bytes ? d->classes[c].bytes : d->payload;
        g->klass[c].count = d->classes[c].count;
        if (!g->klass[c].count)
            g->klass[c].count = g->frames + g->writers + (uint32_t)(d->pins ? 1u : 0u) * g->pins * g->readers;
    }
    g->classes = c;
    if (d->clock) {
        g->clock_num = d->clock->hz_num;
        g->clock_den = d->clock->hz_den;
        g->clock_bits = d->clock->bits;
        g->clock_domain = d->clock->domain;
    }
    return telem_i_shm_plan(g);
}

/* A fixed part that somebody else wrote: copied, checked, planned again and compared. */
static telem_result telem_i_shm_plan_check(telem_i_shm_fixed *g, const uint8_t *data, uint64_t size) {
    telem_i_shm_fixed again;
    uint32_t c;
    telem_result r;
    if (size < 512) return TELEM_ERR_TRUNCATED;
    if (TELEM_LOAD64_ACQUIRE((const telem_atomic64 *)(const void *)data) == 0) return TELEM_AGAIN; /* S9 */
    memcpy(g, data, sizeof *g);
    if (memcmp(g->magic, telem_i_shm_magic, 8) != 0) return TELEM_ERR_CORRUPT;
    if (g->order != TELEM_I_SHM_ORDER || g->layout != TELEM_SHM_LAYOUT) return TELEM_ERR_UNSUPPORTED;
    if (g->flags & ~(TELEM_I_SHM_HASHES | TELEM_I_SHM_SEALED)) return TELEM_ERR_UNSUPPORTED;
    for (c = 0; c < 7; c++)
        if (g->reserved[c] != 0) return TELEM_ERR_UNSUPPORTED;
    if (g->clock_bits > 64u || g->clock_domain > 255u) return TELEM_ERR_CORRUPT;
    again = *g;
    r = telem_i_shm_plan(&again);
    if (r != TELEM_OK || memcmp(&again, g, sizeof again) != 0) return TELEM_ERR_CORRUPT;
    return g->data_bytes > size ? TELEM_ERR_TRUNCATED : TELEM_OK;
}

static telem_result telem_i_shm_control_check(const telem_shm *s, uint64_t size) {
    telem_i_shm_control c;
    if (size < sizeof c) return size == 0 ? TELEM_AGAIN : TELEM_ERR_TRUNCATED;
    if (TELEM_LOAD64_ACQUIRE((const telem_atomic64 *)(const void *)s->control) == 0)
        return TELEM_AGAIN; /* S9 */
    memcpy(&c, s->control, 64);
    if (memcmp(c.magic, telem_i_shm_magic_control, 8) != 0) return TELEM_ERR_CORRUPT;
    if (c.layout != TELEM_SHM_LAYOUT || c.order != TELEM_I_SHM_ORDER) return TELEM_ERR_UNSUPPORTED;
    if (c.id != s->g.id) return TELEM_AGAIN; /* one of the two is being replaced */
    if (c.bytes != s->g.control_bytes) return TELEM_ERR_CORRUPT;
    return c.bytes > size ? TELEM_ERR_TRUNCATED : TELEM_OK;
}

TELEM_API telem_result telem_shm_bytes(const telem_shm_desc *desc, uint64_t *data, uint64_t *control) {
    telem_i_shm_fixed g;
    telem_result r;
    if (!desc || !data || !control) return TELEM_ERR_ARG;
    r = telem_i_shm_plan_desc(&g, desc);
    if (r != TELEM_OK) return r;
    *data = g.data_bytes;
    *control = g.control_bytes;
    return TELEM_OK;
}

static int telem_i_shm_name_ok(const char *name) {
    uint32_t n = 0;
    if (!name || name[0] == '.') return 0;
    for (; name[n]; n++) {
        char c = name[n];
        int ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                 c == '.' || c == '-';
        if (!ok || n >= TELEM_SHM_NAME_MAX) return 0;
    }
    return n > 0;
}

/* Of the classes as plan_desc left them (those before the first bad one are rounded already). */
static const char *telem_i_shm_classes_fault(const telem_i_shm_fixed *g) {
    uint64_t slots = 0, below = 0;
    uint32_t c;
    for (c = 0; c < g->classes; c++) {
        const telem_i_shm_class *k = &g->klass[c];
        uint64_t bytes = k->bytes;
        if (bytes > (uint64_t)1 << 40) return "classes: a slot holds at most 1 TiB";
        bytes = telem_i_shm_round(bytes, bytes >= 4096u ? 4096u : 64u);
        if (bytes <= below)
            return "classes: bytes must ascend, also when rounded up to 64 (from 4096 on: to 4096)";
        if (k->count <= g->writers + (uint64_t)g->pins * g->readers)
            return "classes: a count must be above writers + pins * readers, so that a slot is left to write";
        below = bytes;
        slots += k->count;
    }
    if (slots > 1u << 20) return "classes: at most 1,048,576 slots";
    return "frames, classes: larger than this machine can map";
}
static const char *telem_i_shm_sizes_fault(const telem_shm_desc *d) {
    if (d->frames > 1u << 20) return "frames: at most 1,048,576";
    if (d->inline_bytes > TELEM_SHM_INLINE_MAX) return "inline_bytes: at most 240";
    if (d->directory > 1u << 20) return "directory: at most 1,048,576 bytes";
    if (d->writers > TELEM_SHM_WRITERS_MAX) return "writers: at most 64";
    if (d->readers > TELEM_SHM_READERS_MAX) return "readers: at most 64";
    if (d->pins > 65535u) return "pins: at most 65,535";
    if (d->control_ring < 256u || d->control_ring > 1u << 24 ||
        (d->control_ring & (d->control_ring - 1u)) != 0)
        return d->control_ring ? "control_ring: 0, or a power of two from 256 to 16,777,216 bytes" : NULL;
    return NULL;
}

TELEM_API const char *telem_shm_desc_fault(const telem_shm_desc *desc) {
    telem_i_shm_fixed g;
    const char *fault;
    if (!desc) return "no desc";
    if (desc->backing > TELEM_SHM_MEMORY) return "backing: TELEM_SHM_FILES, _MEMFD or _MEMORY";
    if (desc->backing == TELEM_SHM_FILES && !telem_i_shm_name_ok(desc->name))
        return "name: 1 to 64 of A-Z a-z 0-9 _ . -, the first no dot";
    if (desc->backing == TELEM_SHM_FILES && desc->dir && strlen(desc->dir) > TELEM_SHM_PATH_MAX)
        return "dir: at most 192 bytes";
    fault = telem_i_shm_sizes_fault(desc);
    if (fault) return fault;
    if (telem_i_shm_plan_desc(&g, desc) != TELEM_OK) return telem_i_shm_classes_fault(&g);
    if (desc->backing != TELEM_SHM_MEMORY) return NULL;
    if (!desc->memory || !desc->control_memory ||
        (((uintptr_t)desc->memory | (uintptr_t)desc->control_memory) & 63u) != 0)
        return "memory, control_memory: both, aligned to 64";
    if (desc->memory_size < g.data_bytes || desc->control_size < g.control_bytes)
        return "memory_size, control_size: below what telem_shm_bytes says";
    return NULL;
}

static uint64_t telem_i_shm_random(const void *salt) {
    static telem_atomic32 count;
    uint64_t h = telem_i_shm_mix(0x6D6C6574u, (uint64_t)(uintptr_t)salt);
    h = telem_i_shm_mix(h, telem_i_shm_now());
    h = telem_i_shm_mix(h, telem_i_shm_pid());
    h = telem_i_shm_mix(h, TELEM_FETCH_ADD32(&count, 1));
#if TELEM_HAS_SYSTEM && (TELEM_I_SHM_LINUX || TELEM_I_SHM_WINDOWS)
    h = telem_i_shm_mix(h, telem_i_utc_ns(NULL));
#endif
    return h ? h : 1;
}

/* >>life: who holds an entry, and does it live? */

/* entry: the table's; role: its lock byte. Taken and alive? */
static int telem_i_shm_alive(const telem_shm *s, uint32_t role, uint32_t state, uint64_t instance) {
    if (!(state & 1u)) return 0;
    if (instance == s->instance || s->backing == TELEM_SHM_MEMORY) return 1;
#if TELEM_I_SHM_SYSTEM
    return telem_i_shm_locked(s->file[1], role, 1);
#else
    (void)role;
    return 1;
#endif
}
static int telem_i_shm_writer_alive(const telem_shm *s, uint32_t i) {
    const telem_i_shm_writer *e = telem_i_shm_writer_at(s, i);
    return i < s->g.writers && telem_i_shm_alive(s, TELEM_I_SHM_WRITER + i, TELEM_LOAD32_ACQUIRE(&e->state),
                                                 TELEM_LOAD64_RELAXED(&e->instance));
}
static int telem_i_shm_reader_alive(const telem_shm *s, uint32_t i) {
    const telem_i_shm_reader *e = telem_i_shm_reader_at(s, i);
    return telem_i_shm_alive(s, TELEM_I_SHM_READER + i, TELEM_LOAD32_ACQUIRE(&e->state), /* S16 */
                             TELEM_LOAD64_RELAXED(&e->instance));
}

/* Takes the lock of an entry that nobody alive holds: 1, and only we may touch what its last holder
   left. The same open file description (another handle of this telem_shm) does not compete for
   locks; instance tells. */
static int telem_i_shm_role_take(const telem_shm *s, uint32_t role, uint32_t state, uint64_t instance) {
    if (s->backing == TELEM_SHM_MEMORY) return !(state & 1u);
    if ((state & 1u) && instance == s->instance) return 0;
#if TELEM_I_SHM_SYSTEM
    return telem_i_shm_lock(s->file[1], role) == TELEM_OK;
#else
    (void)role;
    return 0;
#endif
}
static void telem_i_shm_role_drop(const telem_shm *s, uint32_t role) {
#if TELEM_I_SHM_SYSTEM
    if (s->backing != TELEM_SHM_MEMORY) telem_i_shm_unlock(s->file[1], role);
#else
    (void)s, (void)role;
#endif
}

/* >>sweep: what a dead one left. May itself be cut short anywhere: the entry stays taken, and the
   next one does it again. Whoever calls holds the entry's lock. */

static void telem_i_shm_wake_all(const telem_shm *s);

static void telem_i_shm_writer_sweep(const telem_shm *s, uint32_t i) {
    telem_i_shm_writer *e = telem_i_shm_writer_at(s, i);
    telem_i_shm_live *live = telem_i_shm_live_of(s);
    uint32_t k, lock = i + 1u, state = TELEM_LOAD32_RELAXED(&e->state);
    for (k = 0; k < s->g.frames; k++) {
        telem_atomic64 *d = telem_i_shm_desc_at(s, k);
        uint64_t was = TELEM_LOAD64_ACQUIRE(d); /* S2 */
        if (TELEM_I_SHM_STATE(was) != TELEM_I_SHM_RESERVED || TELEM_I_SHM_LOW(was) != i) continue;
        (void)TELEM_CAS64(d, &was, telem_i_shm_word(was >> TELEM_I_SHM_BITS, TELEM_I_SHM_VOID, 0, 0));
        TELEM_I_SHM_POINT();
    }
    for (k = 0; k < s->g.slots; k++) {
        telem_atomic64 *p = telem_i_shm_slot_at(s, k);
        uint64_t was = TELEM_LOAD64_ACQUIRE(p);
        if (TELEM_I_SHM_STATE(was) != TELEM_I_SHM_HELD || TELEM_I_SHM_LOW(was) != i) continue;
        (void)TELEM_CAS64(p, &was,
                          telem_i_shm_word(was >> TELEM_I_SHM_BITS, TELEM_I_SHM_PUBLISHED, 0, 0)); /* S13 */
        TELEM_I_SHM_POINT();
    }
    if (TELEM_CAS32(&live->lock, &lock, 0)) TELEM_I_SHM_POINT(); /* S17 */
    lock = i + 1u;
    if (TELEM_CAS32(&telem_i_shm_control_of(s)->consumer, &lock, 0)) TELEM_I_SHM_POINT(); /* S19 */
    if (TELEM_LOAD64_RELAXED(&e->busy) & 1u) TELEM_I_SHM_SET64(&e->busy, TELEM_LOAD64_RELAXED(&e->busy) + 1u);
    telem_i_shm_wake_all(s); /* those that it disarmed and did not come to call */
    TELEM_I_SHM_PUT32(&e->state, (state | 1u) + 1u); /* S16 */
}

static void telem_i_shm_reader_sweep(const telem_shm *s, uint32_t r) {
    telem_i_shm_reader *e = telem_i_shm_reader_at(s, r);
    telem_i_shm_control *c = telem_i_shm_control_of(s);
    uint64_t bit = (uint64_t)1 << r;
    uint32_t k, state = TELEM_LOAD32_RELAXED(&e->state);
    telem_i_shm_bits_clear(&c->gates, bit); /* S8 */
    telem_i_shm_bits_clear(&c->armed, bit); /* S6 */
    telem_i_shm_bits_clear(&c->expelled, bit);
    if (s->g.pins)
        for (k = 0; k < s->g.slots; k++) telem_i_shm_bits_clear(telem_i_shm_pins_at(s, k), bit); /* S4 */
    TELEM_I_SHM_PUT32(&e->state, (state | 1u) + 1u); /* S16 */
}

/* One thread of the process sweeps at a time: the others' locks would not keep it out. */
static int telem_i_shm_sweep_one(telem_shm *s, uint32_t i, int reader) {
    uint32_t role = (reader ? TELEM_I_SHM_READER : TELEM_I_SHM_WRITER) + i, state;
    uint64_t instance;
    if (reader) {
        state = TELEM_LOAD32_ACQUIRE(&telem_i_shm_reader_at(s, i)->state); /* S16 */
        instance = TELEM_LOAD64_RELAXED(&telem_i_shm_reader_at(s, i)->instance);
    } else {
        state = TELEM_LOAD32_ACQUIRE(&telem_i_shm_writer_at(s, i)->state); /* S16 */
        instance = TELEM_LOAD64_RELAXED(&telem_i_shm_writer_at(s, i)->instance);
    }
    if (!(state & 1u) || s->backing == TELEM_SHM_MEMORY || !telem_i_shm_role_take(s, role, state, instance))
        return 0;
    if (reader) telem_i_shm_reader_sweep(s, i);
    else telem_i_shm_writer_sweep(s, i);
    telem_i_shm_role_drop(s, role);
    return 1;
}
static int telem_i_shm_guard_take(telem_shm *s) {
    uint32_t none = 0;
    return TELEM_CAS32(&s->guard, &none, 1); /* S20 */
}
static void telem_i_shm_guard_drop(telem_shm *s) { TELEM_STORE32_RELEASE(&s->guard, 0); } /* S20 */

/* Returns how many dead ones were swept. */
static uint32_t telem_i_shm_sweep(telem_shm *s) {
    uint32_t i, n = 0;
    if (!telem_i_shm_guard_take(s)) return 0;
    if (s->writable)
        for (i = 0; i < s->g.writers; i++) n += telem_i_shm_sweep_one(s, i, 0) ? 1u : 0u;
    for (i = 0; i < s->g.readers; i++) n += telem_i_shm_sweep_one(s, i, 1) ? 1u : 0u;
    telem_i_shm_guard_drop(s);
    return n;
}

/* Claims a free entry of a table, or a dead one's; -1: none. It is then ours and marked taken. */
static int32_t telem_i_shm_claim(telem_shm *s, int reader) {
    uint32_t i, n = reader ? s->g.readers : s->g.writers,
                base = reader ? TELEM_I_SHM_READER : TELEM_I_SHM_WRITER;
    int32_t found = -1;
    while (!telem_i_shm_guard_take(s)) TELEM_I_SHM_PAUSE();
    for (i = 0; i < n && found < 0; i++) {
        telem_atomic32 *state =
            reader ? &telem_i_shm_reader_at(s, i)->state : &telem_i_shm_writer_at(s, i)->state;
        telem_atomic64 *who =
            reader ? &telem_i_shm_reader_at(s, i)->instance : &telem_i_shm_writer_at(s, i)->instance;
        uint32_t was = TELEM_LOAD32_ACQUIRE(state); /* S16 */
        if (!telem_i_shm_role_take(s, base + i, was, TELEM_LOAD64_RELAXED(who))) continue;
        was = TELEM_LOAD32_ACQUIRE(state); /* S16 */
        if (was & 1u) {
            if (reader) telem_i_shm_reader_sweep(s, i);
            else telem_i_shm_writer_sweep(s, i);
            was = TELEM_LOAD32_RELAXED(state);
        }
        TELEM_I_SHM_SET64(who, s->instance);
        TELEM_I_SHM_PUT32(state, was | 1u); /* S16 */
        found = (int32_t)i;
    }
    telem_i_shm_guard_drop(s);
    return found;
}

/* >>segment */

/* Where the descriptors are; as soon as data is mapped and the geometry checked. */
static void telem_i_shm_locate(telem_shm *s) {
    s->ring = s->data + s->g.ring_at;
    s->mask = s->g.frames - 1u;
    s->shift = s->g.stride == 64u ? 6u : s->g.stride == 128u ? 7u : 8u;
}

static uint64_t telem_i_shm_head(const telem_shm *s) {
    uint64_t h = TELEM_LOAD64_ACQUIRE(&telem_i_shm_live_of(s)->head); /* S15 */
    uint32_t left = s->g.frames;
    while (left-- > 0) {
        int64_t ahead = telem_i_shm_ahead(TELEM_LOAD64_ACQUIRE(telem_i_shm_desc_at(s, h)), h); /* S2 */
        if (ahead < 0) break;
        h += (uint64_t)ahead + 1u;
    }
    return h;
}

static void telem_i_shm_wake_all(const telem_shm *s) {
    uint32_t i;
    telem_i_shm_control *c = telem_i_shm_control_of(s);
    uint64_t armed = TELEM_LOAD64_ACQUIRE(&c->armed); /* S6 */
    telem_shm_writer w;
    memset(&w, 0, sizeof w);
    w.socket = TELEM_I_SHM_NONE;
    while (armed && !TELEM_CAS64(&c->armed, &armed, 0)) { /* S6 */
    }
    for (i = 0; i < s->g.readers; i++) {
        telem_i_shm_reader *e = telem_i_shm_reader_at(s, i);
        if (!(TELEM_LOAD32_RELAXED(&e->state) & 1u)) continue;
        (void)TELEM_FETCH_ADD32(&e->futex, 1); /* S18 */
        telem_i_shm_wake_word(&e->futex);
        if (TELEM_LOAD32_RELAXED(&e->kind)) /* armed or not: who disarmed it may be dead */
            telem_i_shm_call(&w, TELEM_LOAD64_RELAXED(&e->nonce));
    }
    telem_i_shm_ear_close(w.socket);
}

/* A new session begins; whoever calls holds the owner's lock (or all there is). */
static void telem_i_shm_session(telem_shm *s) {
    telem_i_shm_live *live = telem_i_shm_live_of(s);
    uint64_t h = telem_i_shm_head(s);
    if (h > TELEM_LOAD64_RELAXED(&live->head)) TELEM_I_SHM_SET64(&live->head, h);
    TELEM_I_SHM_SET32(&live->owner_pid, telem_i_shm_pid());
#if TELEM_I_SHM_SYSTEM
    TELEM_I_SHM_SET64(&live->created, telem_i_utc_ns(NULL));
#endif
    TELEM_I_SHM_SET64(&live->session, telem_i_shm_random(s));
    TELEM_I_SHM_SET32(&live->generation, TELEM_LOAD32_RELAXED(&live->generation) + 1u);
    TELEM_I_SHM_PUT32(&live->state, TELEM_I_SHM_LIVE); /* S14 */
    telem_i_shm_wake_all(s);
}

/* Lays an empty segment out in zeroed memory. The data's magic is the last store. */
static void telem_i_shm_format(telem_shm *s) {
    telem_i_shm_control *c = telem_i_shm_control_of(s);
    uint64_t magic, i;
    telem_i_shm_locate(s);
    memcpy(s->data + 8, (const uint8_t *)&s->g + 8, sizeof s->g - 8u);
    TELEM_I_SHM_POINT();
    for (i = 0; i < s->g.frames; i++)
        TELEM_I_SHM_SET64(telem_i_shm_desc_at(s, i),
                          telem_i_shm_word(i - s->g.frames, TELEM_I_SHM_VOID, 0, 0));
    c->layout = TELEM_SHM_LAYOUT;
    c->order = TELEM_I_SHM_ORDER;
    c->id = s->g.id;
    c->bytes = s->g.control_bytes;
    TELEM_I_SHM_SET32(&telem_i_shm_live_of(s)->generation, (uint32_t)s->g.id); /* unlike another segment's */
    telem_i_shm_session(s);
    memcpy(&magic, telem_i_shm_magic_control, 8);
    TELEM_I_SHM_PUT64(telem_i_shm_at64(s->control, 0), magic); /* S9 */
    memcpy(&magic, telem_i_shm_magic, 8);
    TELEM_I_SHM_PUT64(telem_i_shm_at64(s->data, 0), magic); /* S9 */
}

static void telem_i_shm_begin_handle(telem_shm *s, uint32_t backing) {
    memset(s, 0, sizeof *s);
    s->file[0] = s->file[1] = s->hand = TELEM_I_SHM_NONE;
    s->backing = (uint8_t)backing;
    s->instance = telem_i_shm_random(s);
}

/* The clock as the segment's, read by the caller's function or, for nanoseconds since boot, ours. */
static void telem_i_shm_clock(telem_shm *s, const telem_clock *clock) {
    memset(&s->clock, 0, sizeof s->clock);
    s->clock.hz_num = s->g.clock_num;
    s->clock.hz_den = s->g.clock_den;
    s->clock.bits = (uint8_t)s->g.clock_bits;
    s->clock.domain = (uint8_t)s->g.clock_domain;
    if (clock) {
        s->clock.read = clock->read;
        s->clock.user = clock->user;
    }
#if TELEM_I_SHM_SYSTEM
    else if (s->clock.hz_num == 0 && s->clock.domain == TELEM_DOMAIN_BOOT)
        s->clock.read = telem_i_monotonic_ns;
    else if (s->clock.hz_num == 0 && s->clock.domain == TELEM_DOMAIN_UTC) s->clock.read = telem_i_utc_ns;
#endif
}

static telem_result telem_i_shm_create_memory(telem_shm *s, const telem_shm_desc *d) {
    telem_i_shm_fixed old;
    if (!d->memory || !d->control_memory ||
        (((uintptr_t)d->memory | (uintptr_t)d->control_memory) & 63u) != 0)
        return TELEM_ERR_ARG;
    if (d->memory_size < s->g.data_bytes || d->control_size < s->g.control_bytes) return TELEM_ERR_MEMORY;
    s->data = (uint8_t *)d->memory;
    s->control = (uint8_t *)d->control_memory;
    memset(&old, 0, sizeof old);
    memset(s->data, 0, (size_t)s->g.data_bytes);
    memset(s->control, 0, (size_t)s->g.control_bytes);
    telem_i_shm_format(s);
    return TELEM_OK;
}

static telem_result telem_i_shm_attach_check(telem_shm *s, uint64_t data_size, uint64_t control_size) {
    telem_result r = telem_i_shm_plan_check(&s->g, s->data, data_size);
    telem_i_shm_locate(s);
    return r == TELEM_OK ? telem_i_shm_control_check(s, control_size) : r;
}

#if TELEM_I_SHM_SYSTEM

static void telem_i_shm_drop(telem_shm *s) {
    if (s->data && s->backing != TELEM_SHM_MEMORY) telem_i_shm_unmap(s->data, s->mapped[0]);
    if (s->control && s->backing != TELEM_SHM_MEMORY) telem_i_shm_unmap(s->control, s->mapped[1]);
    telem_i_shm_close(s->file[0]);
    telem_i_shm_close(s->file[1]);
    telem_i_shm_close(s->hand);
    s->data = s->control = NULL;
    s->file[0] = s->file[1] = s->hand = TELEM_I_SHM_NONE;
}

/* <dir>/telem.<name>.data and .ctl */
static void telem_i_shm_path(char *path, const char *dir, const char *name, int control) {
    const char *base = telem_i_shm_dir(dir);
    size_t n = strlen(base), m = strlen(name);
    memcpy(path, base, n);
    memcpy(path + n, "/telem.", 7);
    memcpy(path + n + 7, name, m);
    memcpy(path + n + 7 + m, control ? ".ctl" : ".data", control ? 5 : 6);
}
#define TELEM_I_SHM_PATH (TELEM_SHM_PATH_MAX + TELEM_SHM_NAME_MAX + 16u)

static telem_result telem_i_shm_place(telem_shm *s, const char *dir, const char *name) {
    if (!telem_i_shm_name_ok(name) || strlen(telem_i_shm_dir(dir)) > TELEM_SHM_PATH_MAX) return TELEM_ERR_ARG;
    memcpy(s->name, name, strlen(name) + 1u);
    memcpy(s->dir, telem_i_shm_dir(dir), strlen(telem_i_shm_dir(dir)) + 1u);
    return TELEM_OK;
}

static telem_result telem_i_shm_map_both(telem_shm *s, int prefault, int huge) {
    s->data = (uint8_t *)telem_i_shm_map(s->file[0], s->mapped[0], s->writable, prefault, huge);
    s->control = (uint8_t *)telem_i_shm_map(s->file[1], s->mapped[1], s->registers, prefault, 0);
    return s->data && s->control ? TELEM_OK : TELEM_ERR_SPACE;
}

/* Marks what is there as replaced, as far as it is a segment: readers of it shall look again, and those
   that sleep shall do so now. */
static void telem_i_shm_mark(telem_shm *s) {
    uint64_t magic;
    if (telem_i_shm_size(s->file[0], &s->mapped[0]) != TELEM_OK || s->mapped[0] < 512) return;
    if (telem_i_shm_size(s->file[1], &s->mapped[1]) != TELEM_OK || s->mapped[1] < 128) return;
    s->writable = s->registers = 1;
    if (telem_i_shm_map_both(s, 0, 0) != TELEM_OK) return;
    magic = TELEM_LOAD64_ACQUIRE(telem_i_shm_at64(s->data, 0));
    if (memcmp(&magic, telem_i_shm_magic, 8) != 0) return; /* half made, or none: nobody reads it */
    TELEM_I_SHM_PUT32(&telem_i_shm_live_of(s)->state, TELEM_I_SHM_REPLACED); /* S14 */
    if (telem_i_shm_attach_check(s, s->mapped[0], s->mapped[1]) == TELEM_OK) telem_i_shm_wake_all(s);
}

static void telem_i_shm_clear_away(const char *data_path, const char *control_path) {
    telem_shm old;
    telem_i_shm_begin_handle(&old, TELEM_SHM_FILES);
    if (telem_i_shm_open(data_path, TELEM_I_SHM_WRITE, &old.file[0]) == TELEM_OK &&
        telem_i_shm_open(control_path, TELEM_I_SHM_WRITE, &old.file[1]) == TELEM_OK)
        telem_i_shm_mark(&old);
    telem_i_shm_drop(&old);
    (void)telem_i_shm_remove(data_path);
    TELEM_I_SHM_POINT();
    (void)telem_i_shm_remove(control_path);
    TELEM_I_SHM_POINT();
}

static telem_result telem_i_shm_rights_both(const telem_shm *s, const telem_shm_desc *d) {
    uint32_t mode = d->mode ? d->mode & 0777u : 0600u;
    telem_result r = telem_i_shm_rights(s->file[1], mode, d->group);
    if (r != TELEM_OK) return r;
    return telem_i_shm_rights(s->file[0], d->others_write ? mode : mode & ~022u, d->group);
}

/* With the owner's lock on the control file that has the name: is a whole segment of the wanted shape
   there? Then it is mapped. */
static telem_result telem_i_shm_take_over(telem_shm *s, const telem_shm_desc *d, const char *data_path) {
    telem_i_shm_fixed want = s->g;
    telem_result r = telem_i_shm_size(s->file[1], &s->mapped[1]);
    if (!telem_i_shm_ours(s->file[1])) return TELEM_ERR_ACCESS;
    if (r == TELEM_OK && s->mapped[1] < 128) return TELEM_ERR_NOT_FOUND;
    if (r == TELEM_OK) r = telem_i_shm_open(data_path, TELEM_I_SHM_WRITE, &s->file[0]);
    if (r == TELEM_OK && !telem_i_shm_ours(s->file[0])) r = TELEM_ERR_ACCESS;
    if (r == TELEM_OK) r = telem_i_shm_size(s->file[0], &s->mapped[0]);
    if (r == TELEM_OK && s->mapped[0] < 512) r = TELEM_ERR_NOT_FOUND;
    if (r == TELEM_OK) r = telem_i_shm_map_both(s, d->prefault, d->huge);
    if (r == TELEM_OK) r = telem_i_shm_attach_check(s, s->mapped[0], s->mapped[1]);
    want.id = s->g.id;
    if (r == TELEM_OK && memcmp(&want, &s->g, sizeof want) != 0) r = TELEM_ERR_MISMATCH;
    if (r == TELEM_OK) {
        telem_i_shm_live *live = telem_i_shm_live_of(s);
        if (TELEM_LOAD32_ACQUIRE(&live->state) == TELEM_I_SHM_REPLACED) r = TELEM_ERR_MISMATCH; /* S14 */
    }
    if (r == TELEM_OK) r = telem_i_shm_rights_both(s, d); /* its maker may have died before that */
    if (r == TELEM_OK) {
        telem_i_shm_live *live = telem_i_shm_live_of(s);
        (void)telem_i_shm_sweep(s);
        TELEM_I_SHM_SET32(&live->takeovers, TELEM_LOAD32_RELAXED(&live->takeovers) + 1u);
        telem_i_shm_session(s);
        return TELEM_OK;
    }
    if (s->data) telem_i_shm_unmap(s->data, s->mapped[0]);
    if (s->control) telem_i_shm_unmap(s->control, s->mapped[1]);
    telem_i_shm_close(s->file[0]);
    s->data = s->control = NULL;
    s->file[0] = TELEM_I_SHM_NONE;
    s->g = want;
    s->g.id = 0;
    return r;
}

/* Both objects are new, empty and ours. */
static telem_result telem_i_shm_build(telem_shm *s, const telem_shm_desc *d) {
    telem_result r = telem_i_shm_allocate(s->file[1], s->g.control_bytes);
    s->mapped[0] = s->g.data_bytes;
    s->mapped[1] = s->g.control_bytes;
    if (r == TELEM_OK) r = telem_i_shm_allocate(s->file[0], s->g.data_bytes);
    if (r == TELEM_OK) r = telem_i_shm_map_both(s, d->prefault, d->huge);
    if (r != TELEM_OK) return r;
    s->g.id = telem_i_shm_random(s);
    telem_i_shm_format(s);
    return telem_i_shm_rights_both(s, d);
}

static telem_result telem_i_shm_create_files(telem_shm *s, const telem_shm_desc *d) {
    char data_path[TELEM_I_SHM_PATH], control_path[TELEM_I_SHM_PATH];
    int tries = 100, looks = 20;
    telem_result r = telem_i_shm_place(s, d->dir, d->name);
    if (r != TELEM_OK) return r;
    telem_i_shm_path(data_path, s->dir, s->name, 0);
    telem_i_shm_path(control_path, s->dir, s->name, 1);
    while (tries-- > 0) {
        uint64_t size = 0;
        r = telem_i_shm_open(control_path, TELEM_I_SHM_CREATE, &s->file[1]);
        if (r != TELEM_OK) return r;
        TELEM_I_SHM_POINT();
        if (telem_i_shm_lock(s->file[1], TELEM_I_SHM_OWNER) != TELEM_OK) {
            telem_i_shm_close(s->file[1]);
            s->file[1] = TELEM_I_SHM_NONE;
            if (looks-- <= 0) return TELEM_ERR_EXISTS;
            telem_i_shm_nap(500000u); /* telem_shm_collect holds it for a moment */
            tries++;
            continue;
        }
        r = TELEM_AGAIN;
        if (telem_i_shm_same(s->file[1], control_path)) { /* nobody replaced it before we had the lock */
            r = telem_i_shm_take_over(s, d, data_path);
            if (r == TELEM_OK) return TELEM_OK;
            if (r == TELEM_ERR_ACCESS) return r;
            if (telem_i_shm_size(s->file[1], &size) == TELEM_OK && size == 0) {
                (void)telem_i_shm_remove(data_path);
                r = telem_i_shm_open(data_path, TELEM_I_SHM_NEW, &s->file[0]);
                TELEM_I_SHM_POINT();
                if (r == TELEM_OK) r = telem_i_shm_build(s, d);
                if (r != TELEM_OK) telem_i_shm_clear_away(data_path, control_path);
                return r;
            }
            telem_i_shm_clear_away(data_path, control_path);
        }
        telem_i_shm_close(s->file[1]);
        s->file[1] = TELEM_I_SHM_NONE;
    }
    return TELEM_AGAIN;
}

static telem_result telem_i_shm_create_memfd(telem_shm *s, const telem_shm_desc *d) {
#if TELEM_I_SHM_LINUX
    uint64_t control_size = s->g.control_bytes;
    telem_result r;
    s->mapped[0] = s->g.data_bytes;
    s->mapped[1] = control_size;
    r = telem_i_shm_memfd(&s->mapped[0], d->huge, &s->file[0]);
    if (r == TELEM_OK) r = telem_i_shm_memfd(&control_size, 0, &s->hand);
    if (r == TELEM_OK) r = telem_i_shm_reopen((int)s->hand, TELEM_I_SHM_WRITE, &s->file[1]);
    if (r == TELEM_OK) r = telem_i_shm_lock(s->file[1], TELEM_I_SHM_OWNER);
    if (r == TELEM_OK) r = telem_i_shm_map_both(s, d->prefault, 0);
    if (r != TELEM_OK) return r;
    s->g.id = telem_i_shm_random(s);
    telem_i_shm_format(s);
    r = telem_i_shm_seal(s->file[0], d->sealed);
    if (r == TELEM_OK) r = telem_i_shm_seal(s->file[1], 0);
    if (r == TELEM_OK && (d->mode || d->group)) r = telem_i_shm_rights_both(s, d);
    return r;
#else
    (void)s, (void)d;
    return TELEM_ERR_UNSUPPORTED;
#endif
}

static telem_result telem_i_shm_attach_files(telem_shm *s, const telem_shm_attach_desc *d) {
    int data_how = s->writable ? TELEM_I_SHM_WRITE : TELEM_I_SHM_READ;
    int control_how = s->registers ? TELEM_I_SHM_WRITE : TELEM_I_SHM_READ;
    telem_result r;
    if (s->backing == TELEM_SHM_FILES) {
        char path[TELEM_I_SHM_PATH];
        r = telem_i_shm_place(s, d->dir, d->name);
        if (r != TELEM_OK) return r;
        telem_i_shm_path(path, s->dir, s->name, 1);
        r = telem_i_shm_open(path, control_how, &s->file[1]);
        if (r != TELEM_OK) return r;
        telem_i_shm_path(path, s->dir, s->name, 0);
        r = telem_i_shm_open(path, data_how, &s->file[0]);
        if (r == TELEM_ERR_NOT_FOUND) r = TELEM_AGAIN; /* the control object is there already */
    } else {
#if TELEM_I_SHM_LINUX
        r = telem_i_shm_sealed(d->fds[0]) && telem_i_shm_sealed(d->fds[1]) ? TELEM_OK : TELEM_ERR_ACCESS;
        if (r == TELEM_OK) r = telem_i_shm_reopen(d->fds[1], control_how, &s->hand);
        if (r == TELEM_OK) r = telem_i_shm_reopen(d->fds[1], control_how, &s->file[1]);
        if (r == TELEM_OK) r = telem_i_shm_reopen(d->fds[0], data_how, &s->file[0]);
#else
        r = TELEM_ERR_UNSUPPORTED;
#endif
    }
    if (r == TELEM_OK) r = telem_i_shm_size(s->file[0], &s->mapped[0]);
    if (r == TELEM_OK) r = telem_i_shm_size(s->file[1], &s->mapped[1]);
    if (r != TELEM_OK) return r;
    if (s->mapped[0] == 0 || s->mapped[1] == 0) return TELEM_AGAIN;
    if (s->mapped[0] > (SIZE_MAX >> 1) || s->mapped[1] > (SIZE_MAX >> 1)) return TELEM_ERR_LIMIT;
    return telem_i_shm_map_both(s, d->prefault, 0);
}

#else
static void telem_i_shm_drop(telem_shm *s) { s->data = s->control = NULL; }
#endif /* TELEM_I_SHM_SYSTEM */

TELEM_API telem_result telem_shm_create(telem_shm *shm, const telem_shm_desc *desc) {
    telem_result r;
    if (!shm || !desc || desc->backing > TELEM_SHM_MEMORY) return TELEM_ERR_ARG;
    telem_i_shm_begin_handle(shm, desc->backing);
    r = telem_i_shm_plan_desc(&shm->g, desc);
    if (r != TELEM_OK) return r;
    shm->owner = shm->writable = shm->registers = 1;
    shm->keep = desc->keep;
    if (desc->backing == TELEM_SHM_MEMORY) {
        shm->g.id = telem_i_shm_random(shm);
        r = telem_i_shm_create_memory(shm, desc);
    }
#if TELEM_I_SHM_SYSTEM
    else if (desc->backing == TELEM_SHM_FILES) r = telem_i_shm_create_files(shm, desc);
    else r = telem_i_shm_create_memfd(shm, desc);
#else
    else r = TELEM_ERR_UNSUPPORTED;
#endif
    if (r != TELEM_OK) {
        telem_i_shm_drop(shm);
        return r;
    }
    telem_i_shm_clock(shm, desc->clock);
    shm->attached = 1;
    return TELEM_OK;
}

TELEM_API telem_result telem_shm_attach(telem_shm *shm, const telem_shm_attach_desc *desc) {
    telem_result r = TELEM_OK;
    if (!shm || !desc || desc->backing > TELEM_SHM_MEMORY || (desc->write && desc->observe))
        return TELEM_ERR_ARG;
    telem_i_shm_begin_handle(shm, desc->backing);
    shm->writable = desc->write;
    shm->registers = !desc->observe;
    if (desc->backing == TELEM_SHM_MEMORY) {
        if (!desc->memory || !desc->control_memory ||
            (((uintptr_t)desc->memory | (uintptr_t)desc->control_memory) & 63u) != 0)
            return TELEM_ERR_ARG;
        shm->data = (uint8_t *)desc->memory;
        shm->control = (uint8_t *)desc->control_memory;
        shm->mapped[0] = desc->memory_size;
        shm->mapped[1] = desc->control_size;
    }
#if TELEM_I_SHM_SYSTEM
    else r = telem_i_shm_attach_files(shm, desc);
#else
    else r = TELEM_ERR_UNSUPPORTED;
#endif
    if (r == TELEM_OK) r = telem_i_shm_attach_check(shm, shm->mapped[0], shm->mapped[1]);
    if (r != TELEM_OK) {
        telem_i_shm_drop(shm);
        return r;
    }
    telem_i_shm_clock(shm, NULL);
    shm->attached = 1;
    return TELEM_OK;
}

#if TELEM_I_SHM_SYSTEM
static int telem_i_shm_others_write(telem_shm *s) {
    uint32_t i;
    for (i = 0; i < s->g.writers; i++)
        if (telem_i_shm_writer_alive(s, i)) return 1;
    return 0;
}
#endif

TELEM_API void telem_shm_detach(telem_shm *shm) {
    if (!shm || !shm->attached) return;
#if TELEM_I_SHM_SYSTEM
    if (shm->owner && !telem_i_shm_others_write(shm)) {
        TELEM_I_SHM_PUT32(&telem_i_shm_live_of(shm)->state, TELEM_I_SHM_CLOSED); /* S14 */
        telem_i_shm_wake_all(shm);
        if (shm->backing == TELEM_SHM_FILES && !shm->keep) {
            char path[TELEM_I_SHM_PATH]; /* the name may be another's by now */
            telem_i_shm_path(path, shm->dir, shm->name, 0);
            if (telem_i_shm_same(shm->file[0], path)) (void)telem_i_shm_remove(path);
            telem_i_shm_path(path, shm->dir, shm->name, 1);
            if (telem_i_shm_same(shm->file[1], path)) (void)telem_i_shm_remove(path);
        }
    }
#endif
    telem_i_shm_drop(shm);
    memset(shm, 0, sizeof *shm);
}

TELEM_API telem_result telem_shm_fds(const telem_shm *shm, int fds[2]) {
    if (!shm || !shm->attached || !fds) return TELEM_ERR_ARG;
    if (!TELEM_I_SHM_LINUX || shm->backing == TELEM_SHM_MEMORY) return TELEM_ERR_UNSUPPORTED;
    fds[0] = (int)shm->file[0];
    fds[1] = (int)(shm->hand != TELEM_I_SHM_NONE ? shm->hand : shm->file[1]);
    return TELEM_OK;
}

/* -- names -- */

/* A '*' is tried again one byte further on each mismatch: at most text * pattern steps. */
static int telem_i_shm_fits(const char *text, const char *pattern) {
    const char *star = NULL, *mark = NULL;
    if (!pattern) return 1;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            mark = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++mark;
        } else return 0;
    }
    while (*pattern == '*') pattern++;
    return *pattern == 0;
}

#if TELEM_I_SHM_SYSTEM
typedef struct telem_i_shm_listing {
    const char *dir, *pattern;
    int (*fn)(void *user, const char *name, int alive);
    void *user;
    int64_t count;
    int collect;
} telem_i_shm_listing;

/* Nobody holds a byte: the objects go. The owner's lock keeps a creator out meanwhile. */
static int telem_i_shm_collect_one(const char *dir, const char *name) {
    char data_path[TELEM_I_SHM_PATH], control_path[TELEM_I_SHM_PATH];
    intptr_t f = TELEM_I_SHM_NONE;
    int gone = 0;
    telem_i_shm_path(data_path, dir, name, 0);
    telem_i_shm_path(control_path, dir, name, 1);
    if (telem_i_shm_open(control_path, TELEM_I_SHM_WRITE, &f) != TELEM_OK) return 0;
    if (telem_i_shm_lock(f, TELEM_I_SHM_OWNER) == TELEM_OK && telem_i_shm_same(f, control_path) &&
        !telem_i_shm_locked(f, TELEM_I_SHM_WRITER, TELEM_I_SHM_LOCKS - 1u)) {
        telem_i_shm_clear_away(data_path, control_path);
        gone = 1;
    }
    telem_i_shm_close(f);
    return gone;
}

static int telem_i_shm_list_one(void *user, const char *file) {
    telem_i_shm_listing *l = (telem_i_shm_listing *)user;
    char name[TELEM_SHM_NAME_MAX + 1u], path[TELEM_I_SHM_PATH];
    size_t n = strlen(file);
    intptr_t f = TELEM_I_SHM_NONE;
    int alive = 1;
#if TELEM_I_SHM_WINDOWS
    if (l->collect && n > 5 && n < 200 && memcmp(file + n - 5, ".gone", 5) == 0 &&
        strlen(l->dir) + n + 2 < sizeof path) {
        memcpy(path, l->dir, strlen(l->dir)); /* what was mapped when it was removed */
        path[strlen(l->dir)] = '/';
        memcpy(path + strlen(l->dir) + 1, file, n + 1);
        (void)DeleteFileA(path);
        return 0;
    }
#endif
    if (n < 11 || n > 10u + TELEM_SHM_NAME_MAX || memcmp(file, "telem.", 6) != 0 ||
        memcmp(file + n - 4, ".ctl", 4) != 0)
        return 0;
    memcpy(name, file + 6, n - 10);
    name[n - 10] = 0;
    if (!telem_i_shm_name_ok(name) || !telem_i_shm_fits(name, l->pattern)) return 0;
    if (l->collect) {
        l->count += telem_i_shm_collect_one(l->dir, name);
        return 0;
    }
    telem_i_shm_path(path, l->dir, name, 1);
    if (telem_i_shm_open(path, TELEM_I_SHM_READ, &f) == TELEM_OK) {
        alive = telem_i_shm_locked(f, TELEM_I_SHM_OWNER, TELEM_I_SHM_LOCKS);
        telem_i_shm_close(f);
    }
    l->count++;
    return l->fn ? l->fn(l->user, name, alive) : 0;
}

static int64_t telem_i_shm_listed(telem_i_shm_listing *l, const char *dir) {
    telem_result r;
    l->dir = telem_i_shm_dir(dir);
    if (strlen(l->dir) > TELEM_SHM_PATH_MAX) return TELEM_ERR_ARG;
    r = telem_i_shm_names(dir, telem_i_shm_list_one, l);
    return r == TELEM_OK ? l->count : (int64_t)r;
}
#endif

TELEM_API int64_t telem_shm_list(const char *dir, const char *pattern,
                                 int (*fn)(void *user, const char *name, int alive), void *user) {
#if TELEM_I_SHM_SYSTEM
    telem_i_shm_listing l;
    memset(&l, 0, sizeof l);
    l.pattern = pattern;
    l.fn = fn;
    l.user = user;
    return telem_i_shm_listed(&l, dir);
#else
    (void)dir, (void)pattern, (void)fn, (void)user;
    return TELEM_ERR_UNSUPPORTED;
#endif
}
TELEM_API int64_t telem_shm_collect(const char *dir, const char *pattern) {
#if TELEM_I_SHM_SYSTEM
    telem_i_shm_listing l;
    memset(&l, 0, sizeof l);
    l.pattern = pattern;
    l.collect = 1;
    return telem_i_shm_listed(&l, dir);
#else
    (void)dir, (void)pattern;
    return TELEM_ERR_UNSUPPORTED;
#endif
}
TELEM_API telem_result telem_shm_unlink(const char *dir, const char *name) {
#if TELEM_I_SHM_SYSTEM
    char data_path[TELEM_I_SHM_PATH], control_path[TELEM_I_SHM_PATH];
    telem_result a, b;
    if (!telem_i_shm_name_ok(name) || strlen(telem_i_shm_dir(dir)) > TELEM_SHM_PATH_MAX) return TELEM_ERR_ARG;
    telem_i_shm_path(data_path, dir, name, 0);
    telem_i_shm_path(control_path, dir, name, 1);
    a = telem_i_shm_remove(data_path);
    b = telem_i_shm_remove(control_path);
    return b != TELEM_OK ? b : a == TELEM_ERR_NOT_FOUND ? TELEM_OK : a;
#else
    (void)dir, (void)name, (void)telem_i_shm_name_ok, (void)telem_i_shm_fits;
    return TELEM_ERR_UNSUPPORTED;
#endif
}

/* -- the inspector's view -- */

TELEM_API telem_result telem_shm_info(const telem_shm *shm, telem_shm_segment *info) {
    telem_shm_segment i = TELEM_ZERO;
    telem_i_shm_live *live;
    uint64_t now = telem_i_shm_now(), beat;
    if (!shm || !shm->attached || !info) return TELEM_ERR_ARG;
    live = telem_i_shm_live_of(shm);
    i.id = shm->g.id;
    i.session = TELEM_LOAD64_RELAXED(&live->session);
    i.data_bytes = shm->g.data_bytes, i.control_bytes = shm->g.control_bytes;
    i.head = telem_i_shm_head(shm);
    beat = TELEM_LOAD64_RELAXED(&live->beat);
    i.beat_age = beat == 0 ? UINT64_MAX : beat > now ? 0 : now - beat;
    i.created = telem_i_signed(TELEM_LOAD64_RELAXED(&live->created));
    i.state = TELEM_LOAD32_ACQUIRE(&live->state); /* S14 */
    i.generation = TELEM_LOAD32_RELAXED(&live->generation);
    i.takeovers = TELEM_LOAD32_RELAXED(&live->takeovers);
    i.owner_pid = TELEM_LOAD32_RELAXED(&live->owner_pid);
    i.owner_alive = shm->owner ? 1u : 0u;
#if TELEM_I_SHM_SYSTEM
    if (!shm->owner && shm->backing != TELEM_SHM_MEMORY)
        i.owner_alive = telem_i_shm_locked(shm->file[1], TELEM_I_SHM_OWNER, 1) ? 1u : 0u;
#endif
    i.frames = shm->g.frames, i.inline_bytes = shm->g.inline_bytes;
    i.writers = shm->g.writers, i.readers = shm->g.readers, i.pins = shm->g.pins, i.classes = shm->g.classes;
    i.control_ring = shm->g.control_ring;
    i.hash = shm->g.flags & TELEM_I_SHM_HASHES ? 1u : 0u;
    i.directory_bytes = shm->g.directory_bytes;
    i.directory_used = TELEM_LOAD32_RELAXED(&live->used);
    i.clock = shm->clock;
    i.name = shm->name;
    *info = i;
    return TELEM_OK;
}

TELEM_API telem_result telem_shm_class_info_get(const telem_shm *shm, uint32_t index,
                                                telem_shm_class_info *info) {
    telem_shm_class_info i = TELEM_ZERO;
    uint32_t k;
    if (!shm || !shm->attached || !info || index >= shm->g.classes) return TELEM_ERR_ARG;
    i.bytes = shm->g.klass[index].bytes, i.offset = shm->g.klass[index].offset,
    i.count = shm->g.klass[index].count;
    for (k = 0; k < i.count; k++) {
        uint32_t slot = shm->g.klass[index].first + k;
        uint32_t state = TELEM_I_SHM_STATE(TELEM_LOAD64_RELAXED(telem_i_shm_slot_at(shm, slot)));
        i.free += state == TELEM_I_SHM_FREE, i.held += state == TELEM_I_SHM_HELD,
            i.published += state == TELEM_I_SHM_PUBLISHED;
        i.pinned += TELEM_LOAD64_RELAXED(telem_i_shm_pins_at(shm, slot)) != 0;
    }
    *info = i;
    return TELEM_OK;
}

TELEM_API telem_result telem_shm_writer_info_get(const telem_shm *shm, uint32_t index,
                                                 telem_shm_writer_info *info) {
    telem_shm_writer_info i = TELEM_ZERO;
    const telem_i_shm_writer *e;
    if (!shm || !shm->attached || !info || index >= shm->g.writers) return TELEM_ERR_ARG;
    e = telem_i_shm_writer_at(shm, index);
    i.taken = TELEM_LOAD32_ACQUIRE(&e->state) & 1u; /* S16 */
    i.alive = telem_i_shm_writer_alive(shm, index) ? 1u : 0u;
    i.pid = TELEM_LOAD32_RELAXED(&e->pid);
    i.frames = TELEM_LOAD64_RELAXED(&e->frames), i.bytes = TELEM_LOAD64_RELAXED(&e->bytes);
    i.no_slot = TELEM_LOAD64_RELAXED(&e->no_slot), i.refused = TELEM_LOAD64_RELAXED(&e->refused);
    i.aborted = TELEM_LOAD64_RELAXED(&e->aborted), i.expelled = TELEM_LOAD64_RELAXED(&e->expelled);
    i.waited = TELEM_LOAD64_RELAXED(&e->waited);
    telem_i_shm_name_get(i.name, e->name);
    *info = i;
    return TELEM_OK;
}

TELEM_API telem_result telem_shm_reader_info_get(const telem_shm *shm, uint32_t index,
                                                 telem_shm_reader_info *info) {
    telem_shm_reader_info i = TELEM_ZERO;
    const telem_i_shm_reader *e;
    const telem_i_shm_control *c;
    uint64_t head;
    if (!shm || !shm->attached || !info || index >= shm->g.readers) return TELEM_ERR_ARG;
    e = telem_i_shm_reader_at(shm, index);
    c = telem_i_shm_control_of(shm);
    i.taken = TELEM_LOAD32_ACQUIRE(&e->state) & 1u; /* S16 */
    i.alive = telem_i_shm_reader_alive(shm, index) ? 1u : 0u;
    i.pid = TELEM_LOAD32_RELAXED(&e->pid);
    i.reliable = (uint32_t)(TELEM_LOAD64_RELAXED(&c->gates) >> index & 1u);
    i.expelled = TELEM_LOAD32_RELAXED(&e->flags) >> 1 & 1u;
    i.sleeping = (uint32_t)(TELEM_LOAD64_RELAXED(&c->armed) >> index & 1u);
    i.pins = TELEM_LOAD32_RELAXED(&e->pins);
    i.next = TELEM_LOAD64_RELAXED(&e->next);
    head = telem_i_shm_head(shm);
    i.lag = head > i.next ? head - i.next : 0;
    i.delivered = TELEM_LOAD64_RELAXED(&e->delivered), i.lost = TELEM_LOAD64_RELAXED(&e->lost);
    i.filtered = TELEM_LOAD64_RELAXED(&e->filtered);
    telem_i_shm_name_get(i.name, e->name);
    *info = i;
    return TELEM_OK;
}

/* >>directory */

TELEM_API uint32_t telem_shm_generation(const telem_shm *shm) {
    return shm && shm->attached ? TELEM_LOAD32_ACQUIRE(&telem_i_shm_live_of(shm)->generation) : 0; /* S21 */
}

typedef struct telem_i_shm_entry { /* an entry's head, as it was at one moment */
    uint32_t size, kind, id, name, value, extra, content;
    uint64_t fingerprint;
} telem_i_shm_entry;

/* The head of the entry at `at`; 0: the directory ends (or lies) there. */
static int telem_i_shm_entry_at(const telem_shm *s, uint32_t at, uint32_t used, telem_i_shm_entry *e) {
    uint8_t h[32];
    uint32_t kind;
    uint64_t need;
    if (used > s->g.directory_bytes || at > used || used - at < 32u || (at & 7u) != 0) return 0;
    memcpy(h, s->data + s->g.directory_at + at, sizeof h);
    memcpy(&e->size, h, 4);
    kind =
        TELEM_LOAD32_RELAXED((const telem_atomic32 *)(const void *)(s->data + s->g.directory_at + at + 4u));
    e->kind = kind & 0xFFFFu, e->id = kind >> 16;
    memcpy(&e->name, h + 8, 4), memcpy(&e->value, h + 12, 4), memcpy(&e->extra, h + 16, 4);
    memcpy(&e->content, h + 20, 4), memcpy(&e->fingerprint, h + 24, 8);
    need = 32u + (uint64_t)e->name + e->value + e->extra;
    return e->size >= 32u && (e->size & 7u) == 0 && e->size <= used - at && e->name >= 1u &&
           e->name <= 255u && need <= e->size;
}

/* Copies name (NUL behind it), value and extra of the entry at `at` into buf. */
static telem_result telem_i_shm_entry_copy(const telem_shm *s, uint32_t at, const telem_i_shm_entry *e,
                                           telem_shm_entry *out, void *buf, size_t cap) {
    const uint8_t *from = s->data + s->g.directory_at + at + 32u;
    uint8_t *to = (uint8_t *)buf;
    uint64_t value_at = telem_i_shm_round(e->name + 1u, 8u),
             extra_at = telem_i_shm_round(value_at + e->value, 8u);
    memset(out, 0, sizeof *out);
    out->kind = e->kind, out->stream = e->id, out->content = e->content, out->fingerprint = e->fingerprint;
    out->value_bytes = e->value, out->extra_bytes = e->extra;
    if (!buf || cap < extra_at + e->extra) return TELEM_ERR_MEMORY;
    memcpy(to, from, e->name);
    to[e->name] = 0;
    if (e->value) memcpy(to + value_at, from + e->name, e->value);
    if (e->extra) memcpy(to + extra_at, from + e->name + e->value, e->extra);
    out->name = (const char *)buf;
    out->value = to + value_at;
    out->extra = to + extra_at;
    return strlen(out->name) == e->name ? TELEM_OK : TELEM_ERR_CORRUPT;
}

TELEM_API telem_result telem_shm_entry_next(const telem_shm *shm, uint32_t *at, telem_shm_entry *entry,
                                            void *buf, size_t cap) {
    telem_i_shm_entry e;
    uint32_t used;
    if (!shm || !shm->attached || !at || !entry) return TELEM_ERR_ARG;
    used = TELEM_LOAD32_ACQUIRE(&telem_i_shm_live_of(shm)->used); /* S10 */
    while (*at < used) {
        telem_result r;
        if (!telem_i_shm_entry_at(shm, *at, used, &e)) return TELEM_ERR_CORRUPT;
        if (e.kind != TELEM_SHM_STREAM && e.kind != TELEM_SHM_META) { /* replaced, or of a later minor */
            *at += e.size;
            continue;
        }
        r = telem_i_shm_entry_copy(shm, *at, &e, entry, buf, cap);
        if (r == TELEM_OK) *at += e.size;
        return r;
    }
    return TELEM_END;
}

/* The last entry of a kind with this id (streams) or name (metadata): its offset, or UINT32_MAX. */
static uint32_t telem_i_shm_entry_find(const telem_shm *s, uint32_t kind, uint32_t id, const char *name,
                                       telem_i_shm_entry *out) {
    uint32_t used = TELEM_LOAD32_ACQUIRE(&telem_i_shm_live_of(s)->used), at = 0, found = UINT32_MAX; /* S10 */
    telem_i_shm_entry e;
    while (at < used && telem_i_shm_entry_at(s, at, used, &e)) {
        const uint8_t *text = s->data + s->g.directory_at + at + 32u;
        if (e.kind == kind && e.id == id &&
            (!name || (strlen(name) == e.name && memcmp(text, name, e.name) == 0))) {
            found = at;
            *out = e;
        }
        at += e.size;
    }
    return found;
}

TELEM_API telem_result telem_shm_stream_find(const telem_shm *shm, uint32_t id, telem_shm_entry *entry,
                                             void *buf, size_t cap) {
    telem_i_shm_entry e = TELEM_ZERO;
    uint32_t at;
    if (!shm || !shm->attached || !entry || id > TELEM_SHM_STREAM_MAX) return TELEM_ERR_ARG;
    at = telem_i_shm_entry_find(shm, TELEM_SHM_STREAM, id, NULL, &e);
    return at == UINT32_MAX ? TELEM_ERR_NOT_FOUND : telem_i_shm_entry_copy(shm, at, &e, entry, buf, cap);
}

typedef struct telem_i_shm_adding {
    uint32_t kind, id, content, value, extra;
    uint64_t fingerprint;
    const char *name;
    const void *value_data, *extra_data;
    const telem_schema *schema; /* instead of value_data */
} telem_i_shm_adding;

static telem_result telem_i_shm_directory_lock(const telem_shm_writer *w) {
    telem_atomic32 *lock = &telem_i_shm_live_of(w->shm)->lock;
    int tries = 1000;
    while (tries-- > 0) {
        uint32_t was = 0;
        if (TELEM_CAS32(lock, &was, w->index + 1u)) { /* S17 */
            TELEM_I_SHM_POINT();
            return TELEM_OK;
        }
        if (tries % 100 == 0 && (was > w->shm->g.writers || !telem_i_shm_writer_alive(w->shm, was - 1u)) &&
            TELEM_CAS32(lock, &was, w->index + 1u)) /* S17 */
            return TELEM_OK;
        TELEM_I_SHM_PAUSE();
    }
    return TELEM_AGAIN;
}

static telem_result telem_i_shm_directory_append(telem_shm *s, const telem_i_shm_adding *a, uint32_t old) {
    telem_i_shm_live *live = telem_i_shm_live_of(s);
    uint32_t used = TELEM_LOAD32_RELAXED(&live->used), name = (uint32_t)strlen(a->name);
    uint64_t need = telem_i_shm_round(32u + (uint64_t)name + a->value + a->extra, 8u);
    uint32_t size = (uint32_t)need, kind = a->kind | a->id << 16;
    uint8_t *p;
    if (used > s->g.directory_bytes || (used & 7u) != 0) return TELEM_ERR_CORRUPT;
    if (need > s->g.directory_bytes - used) return TELEM_ERR_SPACE;
    p = s->data + s->g.directory_at + used;
    memset(p, 0, size);
    memcpy(p, &size, 4), memcpy(p + 4, &kind, 4), memcpy(p + 8, &name, 4), memcpy(p + 12, &a->value, 4);
    memcpy(p + 16, &a->extra, 4), memcpy(p + 20, &a->content, 4), memcpy(p + 24, &a->fingerprint, 8);
    memcpy(p + 32, a->name, name);
    if (a->schema) {
        if (telem_schema_encode(a->schema, 0, p + 32 + name, a->value) != (int64_t)a->value)
            return TELEM_ERR_ARG;
    } else if (a->value) memcpy(p + 32 + name, a->value_data, a->value);
    if (a->extra) memcpy(p + 32 + name + a->value, a->extra_data, a->extra);
    TELEM_I_SHM_POINT();
    TELEM_I_SHM_PUT32(&live->used, used + size); /* S10 */
    if (old != UINT32_MAX)
        TELEM_I_SHM_SET32((telem_atomic32 *)(void *)(s->data + s->g.directory_at + old + 4u), 0);
    TELEM_I_SHM_PUT32(&live->generation, TELEM_LOAD32_RELAXED(&live->generation) + 1u); /* S21 */
    return TELEM_OK;
}

/* The same content as the entry at `at`? */
static int telem_i_shm_directory_same(const telem_shm *s, uint32_t at, const telem_i_shm_entry *e,
                                      const telem_i_shm_adding *a) {
    const uint8_t *text = s->data + s->g.directory_at + at + 32u;
    if (strlen(a->name) != e->name || memcmp(text, a->name, e->name) != 0) return 0;
    if (e->fingerprint != a->fingerprint || e->content != a->content || e->value != a->value ||
        e->extra != a->extra)
        return 0;
    if (a->extra && memcmp(text + e->name + e->value, a->extra_data, a->extra) != 0) return 0;
    return a->schema || !a->value || memcmp(text + e->name, a->value_data, a->value) == 0;
}

static telem_result telem_i_shm_directory_add(telem_shm_writer *w, const telem_i_shm_adding *a) {
    telem_i_shm_entry e = TELEM_ZERO;
    telem_result r;
    uint32_t at;
    if (!a->name || !a->name[0] || strlen(a->name) > 255u || (a->extra && !a->extra_data))
        return TELEM_ERR_ARG;
    if (a->value > w->shm->g.directory_bytes || a->extra > w->shm->g.directory_bytes) return TELEM_ERR_SPACE;
    r = telem_i_shm_directory_lock(w);
    if (r != TELEM_OK) return r;
    at = telem_i_shm_entry_find(w->shm, a->kind, a->id, a->kind == TELEM_SHM_META ? a->name : NULL, &e);
    if (at == UINT32_MAX || !telem_i_shm_directory_same(w->shm, at, &e, a))
        r = telem_i_shm_directory_append(w->shm, a, at);
    TELEM_I_SHM_PUT32(&telem_i_shm_live_of(w->shm)->lock, 0); /* S17 */
    return r;
}

TELEM_API telem_result telem_shm_stream_add(telem_shm_writer *w, const telem_shm_stream_desc *desc) {
    telem_i_shm_adding a = TELEM_ZERO;
    if (!w || !w->shm || !desc || desc->id > TELEM_SHM_STREAM_MAX) return TELEM_ERR_ARG;
    a.kind = TELEM_SHM_STREAM, a.id = desc->id, a.content = desc->content, a.name = desc->name;
    a.extra = desc->extra_bytes, a.extra_data = desc->extra, a.schema = desc->schema;
    if (desc->schema) {
        int64_t n = telem_schema_encode(desc->schema, 0, NULL, 0);
        if (n < 0) return (telem_result)n;
        a.value = (uint32_t)n;
        a.fingerprint = telem_schema_fingerprint(desc->schema);
    }
    return telem_i_shm_directory_add(w, &a);
}

TELEM_API telem_result telem_shm_meta_set(telem_shm_writer *w, const char *key, const void *value,
                                          uint32_t n) {
    telem_i_shm_adding a = TELEM_ZERO;
    if (!w || !w->shm || !key || (n && !value)) return TELEM_ERR_ARG;
    a.kind = TELEM_SHM_META, a.name = key, a.value = n, a.value_data = value;
    return telem_i_shm_directory_add(w, &a);
}

/* >>slots */

/* The smallest gate of the reliable readers, UINT64_MAX without. */
static uint64_t telem_i_shm_min_gate(const telem_shm *s) {
    uint64_t gates = TELEM_LOAD64_ACQUIRE(&telem_i_shm_control_of(s)->gates), least = UINT64_MAX; /* S7 */
    uint32_t r;
    for (r = 0; gates && r < s->g.readers; r++) {
        uint64_t gate;
        if (!(gates >> r & 1u)) continue;
        gate = TELEM_LOAD64_ACQUIRE(&telem_i_shm_reader_at(s, r)->gate); /* S5 */
        if (gate < least) least = gate;
    }
    return least;
}

/* Gates only rise, so a limit stays good until another reader joins. */
static TELEM_I_SHM_RARE void telem_i_shm_limit(telem_shm_writer *w) {
    const telem_i_shm_control *c = telem_i_shm_control_of(w->shm);
    uint64_t least;
    w->joins = TELEM_LOAD64_ACQUIRE(&c->joins); /* S7 */
    w->gates = TELEM_LOAD64_ACQUIRE(&c->gates); /* S7 */
    least = telem_i_shm_min_gate(w->shm);
    w->limit = least > UINT64_MAX - w->shm->g.frames ? UINT64_MAX : least + w->shm->g.frames;
}
TELEM_I_SHM_QUICK void telem_i_shm_limit_check(telem_shm_writer *w) {
    const telem_i_shm_control *c = telem_i_shm_control_of(w->shm);
    if (TELEM_LOAD64_RELAXED(&c->gates) != w->gates || TELEM_LOAD64_RELAXED(&c->joins) != w->joins)
        telem_i_shm_limit(w);
}

/* Waiting for reliable readers, one step per call. */
typedef struct telem_i_shm_hold {
    uint64_t began, moved, least, looked;
    uint32_t steps;
} telem_i_shm_hold;

/* Throws out reliable readers that stand at `least` and may be waited for no longer. */
static void telem_i_shm_expel(telem_shm_writer *w, uint64_t least, uint64_t waited) {
    telem_shm *s = w->shm;
    telem_i_shm_control *c = telem_i_shm_control_of(s);
    telem_i_shm_writer *me = telem_i_shm_writer_at(s, w->index);
    uint32_t r;
    for (r = 0; r < s->g.readers; r++) {
        telem_i_shm_reader *e = telem_i_shm_reader_at(s, r);
        uint64_t bit = (uint64_t)1 << r, gates = TELEM_LOAD64_ACQUIRE(&c->gates), /* S7 */
                 patience = TELEM_LOAD64_RELAXED(&e->deadline);
        if (!(gates & bit) || TELEM_LOAD64_ACQUIRE(&e->gate) > least) continue; /* S5 */
        if (patience > w->desc.patience) patience = w->desc.patience;
        if (waited < patience) continue;
        telem_i_shm_bits_set(&c->expelled, bit);
        telem_i_shm_bits_clear(&c->gates, bit); /* S8 */
        TELEM_I_SHM_SET64(&me->expelled, TELEM_LOAD64_RELAXED(&me->expelled) + 1u);
    }
}

static telem_result telem_i_shm_hold_step(telem_shm_writer *w, telem_i_shm_hold *h) {
    telem_i_shm_writer *me = telem_i_shm_writer_at(w->shm, w->index);
    uint64_t least = telem_i_shm_min_gate(w->shm), now;
    if (w->desc.refuse || !TELEM_I_SHM_SYSTEM) {
        TELEM_I_SHM_SET64(&me->refused, TELEM_LOAD64_RELAXED(&me->refused) + 1u);
        return TELEM_FULL;
    }
    if (h->steps++ < 200u) {
        TELEM_I_SHM_PAUSE();
        if (h->steps > 1) return TELEM_OK;
    }
    now = telem_i_shm_now();
    if (h->began == 0) h->began = h->moved = h->looked = now, h->least = least;
    if (least > h->least) h->moved = now, h->least = least;
    TELEM_I_SHM_SET64(&me->waited, TELEM_LOAD64_RELAXED(&me->waited) + (now - h->looked));
    if (now - h->looked > 1000000u || h->steps > 1000u) {
        (void)telem_i_shm_sweep(w->shm);
        h->steps = 201u;
    }
    h->looked = now;
    telem_i_shm_expel(w, least, now - h->began > w->desc.patience ? UINT64_MAX : now - h->moved);
    if (h->steps > 200u && now - h->began > 50000u) telem_i_shm_nap(20000u);
    return TELEM_OK;
}

/* Does a reliable reader still have the frame of this slot word before him? */
static int telem_i_shm_gated(telem_shm_writer *w, uint64_t word) {
    uint64_t n = w->next + (uint64_t)telem_i_shm_ahead(word, w->next);
    if (TELEM_I_SHM_STATE(word) != TELEM_I_SHM_PUBLISHED) return 0;
    telem_i_shm_limit_check(w);
    if (w->limit == UINT64_MAX || n < w->limit - w->shm->g.frames) return 0;
    telem_i_shm_limit(w);
    return w->limit != UINT64_MAX && n >= w->limit - w->shm->g.frames;
}

/* Takes slot `k`: TELEM_OK; TELEM_AGAIN: somebody else's, or pinned; TELEM_FULL: a reliable reader has
   it before him. *was: its word. */
static telem_result telem_i_shm_slot_try(telem_shm_writer *w, uint32_t k, uint64_t *was) {
    telem_shm *s = w->shm;
    telem_atomic64 *slot = telem_i_shm_slot_at(s, k), *pins = telem_i_shm_pins_at(s, k), *d;
    uint64_t word = TELEM_LOAD64_ACQUIRE(slot), number = word >> TELEM_I_SHM_BITS, held, frame, /* S13 */
             gone; /* S13 */
    int marked = 0, mine = s->g.writers == 1;
    if (TELEM_I_SHM_STATE(word) == TELEM_I_SHM_HELD || TELEM_LOAD64_RELAXED(pins) != 0) return TELEM_AGAIN;
    if (telem_i_shm_gated(w, word)) return TELEM_FULL;
    *was = word;
    held = telem_i_shm_word(number, TELEM_I_SHM_HELD, w->index, 0);
    if (mine) TELEM_I_SHM_SET64(slot, held);
    else if (!TELEM_CAS64(slot, &word, held)) return TELEM_AGAIN; /* S13 */
    TELEM_I_SHM_POINT();
    /* Its frame's descriptor was overwritten by this writer, who has fenced since (S3): no reader can still
       want it, and the descriptor, whose line a reader took away, need not be looked at. */
    if (mine && TELEM_I_SHM_STATE(*was) == TELEM_I_SHM_PUBLISHED &&
        telem_i_shm_ahead(*was, w->fenced) + (int64_t)s->g.frames < 0 &&
        TELEM_LOAD64_ACQUIRE(pins) == 0) /* S4 */
        return TELEM_OK;
    d = telem_i_shm_desc_at(s, number);
    frame = TELEM_LOAD64_ACQUIRE(d); /* S2 */
    gone = (frame & ~(uint64_t)3) | TELEM_I_SHM_GONE;
    if (TELEM_I_SHM_STATE(*was) == TELEM_I_SHM_PUBLISHED && TELEM_I_SHM_IS(frame, number)) {
        if (TELEM_I_SHM_STATE(frame) == TELEM_I_SHM_RESERVED) { /* about to be published by another writer */
            TELEM_I_SHM_PUT64(slot, *was); /* S13 */
            return TELEM_AGAIN;
        }
        if (TELEM_I_SHM_STATE(frame) == TELEM_I_SHM_COMMITTED) {
            uint64_t now = frame;
            marked = TELEM_CAS64(d, &now, gone); /* I2; a failure: the number was overwritten */
            TELEM_I_SHM_POINT();
        }
    }
    TELEM_FENCE_SEQ_CST(); /* S3, S7 */
    if (TELEM_LOAD64_ACQUIRE(pins) == 0 && !telem_i_shm_gated(w, *was)) return TELEM_OK; /* S4 */
    if (marked) (void)TELEM_CAS64(d, &gone, frame); /* S2 */
    TELEM_I_SHM_POINT();
    TELEM_I_SHM_PUT64(slot, *was); /* S13 */
    return TELEM_AGAIN;
}

static telem_result telem_i_shm_slot_take(telem_shm_writer *w, uint32_t c, uint32_t *slot, uint64_t *was) {
    telem_shm *s = w->shm;
    const telem_i_shm_class *k = &s->g.klass[c];
    telem_i_shm_hold hold = TELEM_ZERO;
    telem_result r;
    int swept = 0;
    for (;;) {
        uint32_t i, gated = 0, at;
        for (i = 0; i < k->count; i++) {
            if (s->g.writers > 1) at = TELEM_FETCH_ADD32(&telem_i_shm_live_of(s)->cursor[c], 1) % k->count;
            else {
                at = w->cursor[c];
                w->cursor[c] = at + 1u < k->count ? at + 1u : 0;
            }
            *slot = k->first + at;
            r = telem_i_shm_slot_try(w, *slot, was);
            if (r == TELEM_OK) return r;
            gated += r == TELEM_FULL;
        }
        if (gated) {
            r = telem_i_shm_hold_step(w, &hold);
            if (r != TELEM_OK) return r;
        } else if (swept++ || telem_i_shm_sweep(s) == 0) {
            telem_i_shm_writer *me = telem_i_shm_writer_at(s, w->index);
            TELEM_I_SHM_SET64(&me->no_slot, TELEM_LOAD64_RELAXED(&me->no_slot) + 1u);
            return TELEM_AGAIN;
        }
    }
}

static uint8_t *telem_i_shm_slot_bytes(const telem_shm *s, uint32_t slot, uint64_t *bytes) {
    uint32_t c = 0;
    while (c + 1u < s->g.classes && slot >= s->g.klass[c + 1u].first) c++;
    *bytes = s->g.klass[c].bytes;
    return s->data + (size_t)(s->g.klass[c].offset + (slot - s->g.klass[c].first) * s->g.klass[c].bytes);
}

/* >>publish */

typedef struct telem_i_shm_fill { /* a frame about to be published */
    uint32_t stream, slot; /* slot TELEM_I_SHM_INLINE: data goes into the descriptor */
    int64_t time;
    const void *data;
    uint64_t len, hash, total, offset, group;
    uint32_t flags, content;
} telem_i_shm_fill;

/* A number of one's own, RESERVED, when there are several writers. */
static TELEM_I_SHM_RARE telem_result telem_i_shm_reserve_shared(telem_shm_writer *w, uint64_t *number) {
    telem_shm *s = w->shm;
    telem_i_shm_hold hold = TELEM_ZERO;
    uint64_t n = TELEM_LOAD64_ACQUIRE(&telem_i_shm_live_of(s)->head), looked = 0; /* S15 */
    uint32_t stuck = 0;
    if (n < w->next) n = w->next;
    for (;;) {
        telem_atomic64 *d = telem_i_shm_desc_at(s, n);
        uint64_t word = TELEM_LOAD64_ACQUIRE(d); /* S2 */
        int64_t ahead = telem_i_shm_ahead(word, n);
        if (ahead >= 0) { /* taken, by a faster one */
            if (++looked > 4u * (uint64_t)s->g.frames + 1000u) return TELEM_AGAIN; /* nonsense */
            n += (uint64_t)ahead + 1u;
            continue;
        }
        if (n >= w->limit) {
            telem_result r;
            telem_i_shm_limit(w);
            if (n < w->limit) continue;
            r = telem_i_shm_hold_step(w, &hold);
            if (r != TELEM_OK) return r;
            continue;
        }
        if (TELEM_I_SHM_STATE(word) == TELEM_I_SHM_RESERVED &&
            telem_i_shm_writer_alive(s, TELEM_I_SHM_LOW(word))) {
            /* its owner was parked for a whole lap and may still write there: step over */
            if (++stuck >= s->g.frames) return TELEM_AGAIN;
            n++;
            continue;
        }
        if (TELEM_CAS64(d, &word, telem_i_shm_word(n, TELEM_I_SHM_RESERVED, w->index, 0))) break; /* S1 */
    }
    TELEM_I_SHM_POINT();
    *number = n;
    return TELEM_OK;
}

/* The only writer waits until reliable readers allow its next number. */
static TELEM_I_SHM_RARE telem_result telem_i_shm_reserve_wait(telem_shm_writer *w) {
    telem_i_shm_hold hold = TELEM_ZERO;
    for (telem_i_shm_limit(w); w->next >= w->limit; telem_i_shm_limit(w)) {
        telem_result r = telem_i_shm_hold_step(w, &hold);
        if (r != TELEM_OK) return r;
    }
    return TELEM_OK;
}

TELEM_I_SHM_QUICK telem_result telem_i_shm_reserve(telem_shm_writer *w, uint64_t *number) {
    telem_shm *s = w->shm;
    if (s->g.writers > 1) return telem_i_shm_reserve_shared(w, number);
    if (w->next >= w->limit) {
        telem_result r = telem_i_shm_reserve_wait(w);
        if (r != TELEM_OK) return r;
    }
    *number = w->next;
    TELEM_I_SHM_SET64(telem_i_shm_desc_at(s, *number),
                      telem_i_shm_word(*number, TELEM_I_SHM_RESERVED, w->index, 0));
    return TELEM_OK;
}

static void telem_i_shm_far_put(telem_shm *s, telem_atomic64 *d, uint64_t n, const telem_i_shm_fill *f) {
    TELEM_I_SHM_SET64(d + 2, f->len);
    TELEM_I_SHM_SET64(d + 3, (uint64_t)f->slot | (uint64_t)f->flags << 32 | (uint64_t)f->content << 48);
    TELEM_I_SHM_SET64(d + 4, f->hash);
    if (f->flags & TELEM_SHM_CHUNK) {
        TELEM_I_SHM_SET64(d + 5, f->total);
        TELEM_I_SHM_SET64(d + 6, f->offset);
        TELEM_I_SHM_SET64(d + 7, f->offset ? f->group : n);
    }
    TELEM_I_SHM_SET64(telem_i_shm_slot_at(s, f->slot),
                      telem_i_shm_word(n, TELEM_I_SHM_PUBLISHED, 0, 0)); /* I1, S13 by S2 */
}

/* Commits number n and counts it. */
TELEM_I_SHM_QUICK void telem_i_shm_put_end(telem_shm_writer *w, telem_shm *s, telem_atomic64 *d, uint64_t n,
                                           uint32_t low, uint32_t stream, uint64_t len) {
    telem_i_shm_writer *me = telem_i_shm_writer_at(s, w->index);
    TELEM_I_SHM_PUT64(d, telem_i_shm_word(n, TELEM_I_SHM_COMMITTED, low, stream)); /* S2 */
    w->next = n + 1u;
    TELEM_I_SHM_PUT64(&telem_i_shm_live_of(s)->head, n + 1u); /* S15 */
    w->bytes += len;
    TELEM_I_SHM_SET64(&me->frames, ++w->frames);
    TELEM_I_SHM_SET64(&me->bytes, w->bytes);
}

/* Reserves, fills and commits a descriptor with its payload. */
TELEM_I_SHM_QUICK telem_result telem_i_shm_put_inline(telem_shm_writer *w, uint32_t stream, int64_t time,
                                                      const void *data, uint64_t len, uint64_t *number) {
    telem_shm *s = w->shm;
    telem_atomic64 *d = telem_i_shm_desc_at(s, w->next); /* most likely */
    telem_result r;
    if (len > 176u) TELEM_I_SHM_CLAIM(d + 24); /* the line that readers stare at last: they take it at once */
    if (len > 112u) TELEM_I_SHM_CLAIM(d + 16);
    if (len > 48u) TELEM_I_SHM_CLAIM(d + 8);
    TELEM_I_SHM_CLAIM(d);
    r = telem_i_shm_reserve(w, number);
    if (r != TELEM_OK) return r;
    d = telem_i_shm_desc_at(s, *number);
    TELEM_FENCE_RELEASE(); /* S1: who reads what follows sees RESERVED when he looks again */
    TELEM_I_SHM_SET64(d + 1, (uint64_t)time);
    telem_i_shm_words_put(d + 2, data, len);
    telem_i_shm_put_end(w, s, d, *number, (uint32_t)len, stream, len);
    return TELEM_OK;
}
/* The same with a payload in a slot. */
static telem_result telem_i_shm_put(telem_shm_writer *w, const telem_i_shm_fill *f, uint64_t *number) {
    telem_atomic64 *d;
    uint64_t n = 0;
    telem_result r;
    if (f->slot == TELEM_I_SHM_INLINE)
        return telem_i_shm_put_inline(w, f->stream, f->time, f->data, f->len, number);
    r = telem_i_shm_reserve(w, &n);
    if (r != TELEM_OK) return r;
    d = telem_i_shm_desc_at(w->shm, n);
    TELEM_FENCE_RELEASE(); /* S1 */
    TELEM_I_SHM_SET64(d + 1, (uint64_t)f->time);
    telem_i_shm_far_put(w->shm, d, n, f);
    telem_i_shm_put_end(w, w->shm, d, n, TELEM_I_SHM_FAR, f->stream, f->len);
    *number = n;
    return TELEM_OK;
}

/* >>wake */

static TELEM_I_SHM_RARE void telem_i_shm_wake(telem_shm_writer *w) {
    telem_shm *s = w->shm;
    telem_atomic64 *armed = &telem_i_shm_control_of(s)->armed;
    uint64_t bits = TELEM_LOAD64_RELAXED(armed);
    uint32_t r;
    while (bits && !TELEM_CAS64(armed, &bits, 0)) { /* S6 */
    }
    TELEM_I_SHM_POINT();
    for (r = 0; bits && r < s->g.readers; r++) {
        telem_i_shm_reader *e = telem_i_shm_reader_at(s, r);
        if (!(bits >> r & 1u)) continue;
        (void)TELEM_FETCH_ADD32(&e->futex, 1); /* S18 */
        TELEM_I_SHM_POINT();
        if (TELEM_LOAD32_RELAXED(&e->kind)) telem_i_shm_call(w, TELEM_LOAD64_RELAXED(&e->nonce));
        else telem_i_shm_wake_word(&e->futex);
    }
}

/* Behind every publish: wake who sleeps, and learn of reliable readers. */
TELEM_I_SHM_QUICK void telem_i_shm_finish(telem_shm_writer *w) {
    telem_i_shm_control *c = telem_i_shm_control_of(w->shm);
    TELEM_FENCE_SEQ_CST(); /* S3, S6, S7 */
    w->fenced = w->next;
    if (TELEM_LOAD64_RELAXED(&c->armed) != 0) telem_i_shm_wake(w);
    telem_i_shm_limit_check(w);
}

/* Several writers, and batches: reliable readers that join wait until this call is over; those that
   had joined before are seen here. */
static void telem_i_shm_busy(telem_shm_writer *w) {
    TELEM_I_SHM_SET64(&telem_i_shm_writer_at(w->shm, w->index)->busy, ++w->busy);
    TELEM_FENCE_SEQ_CST(); /* S7 */
    telem_i_shm_limit_check(w);
}
static void telem_i_shm_idle(telem_shm_writer *w) {
    TELEM_I_SHM_PUT64(&telem_i_shm_writer_at(w->shm, w->index)->busy, ++w->busy); /* S7 */
}

static int64_t telem_i_shm_stamp(telem_shm_writer *w, int64_t time, telem_result *r) {
    const telem_clock *clock = &w->shm->clock;
    uint64_t raw;
    if (time != TELEM_SHM_NOW) return time;
    if (!clock->read) {
        *r = TELEM_ERR_ARG;
        return 0;
    }
    raw = clock->read(clock->user);
    if (w->clock_state.bits == 0) telem_clock_start(&w->clock_state, clock, raw);
    return telem_clock_extend(&w->clock_state, raw);
}

/* The smallest class that takes len bytes; classes when none does. */
static uint32_t telem_i_shm_class_for(const telem_shm *s, uint64_t len) {
    uint32_t c = 0;
    while (c < s->g.classes && s->g.klass[c].bytes < len) c++;
    return c;
}

static void telem_i_shm_bytes_put(const telem_shm *s, uint8_t *to, const void *from, uint64_t n) {
    if (s->g.pins == 0) telem_i_shm_words_put((telem_atomic64 *)(void *)to, from, n); /* read by words, too */
    else if (n) memcpy(to, from, (size_t)n); /* read pinned */
    TELEM_I_SHM_POINT();
}

static uint64_t telem_i_shm_hash(const void *p, uint64_t n) { return XXH3_64bits(p, (size_t)n); }

/* Asks for the lines that come next, most likely: the descriptor's and the slot's first ones. */
TELEM_I_SHM_QUICK void telem_i_shm_claim_lines(const telem_shm_writer *w, uint32_t c, uint64_t len) {
    const telem_shm *s = w->shm;
    TELEM_I_SHM_CLAIM(telem_i_shm_desc_at(s, w->next));
    if (s->g.writers == 1 && c < s->g.classes) {
        uint8_t *p = s->data + (size_t)(s->g.klass[c].offset + w->cursor[c] * s->g.klass[c].bytes);
        TELEM_I_SHM_CLAIM(p);
        if (len > 64u) TELEM_I_SHM_CLAIM(p + 64);
        if (len > 128u) TELEM_I_SHM_CLAIM(p + 128);
    }
}

/* One frame of at most a slot, copied. */
static telem_result telem_i_shm_publish_one(telem_shm_writer *w, telem_i_shm_fill *f, uint64_t *number) {
    telem_shm *s = w->shm;
    uint64_t was = 0, bytes;
    uint32_t c;
    telem_result r;
    f->slot = TELEM_I_SHM_INLINE;
    if (f->len <= s->g.inline_bytes && !(f->flags & TELEM_SHM_CHUNK)) return telem_i_shm_put(w, f, number);
    c = telem_i_shm_class_for(s, f->len);
    telem_i_shm_claim_lines(w, c, f->len);
    r = telem_i_shm_slot_take(w, c, &f->slot, &was);
    if (r != TELEM_OK) return r;
    telem_i_shm_bytes_put(s, telem_i_shm_slot_bytes(s, f->slot, &bytes), f->data, f->len);
    if (s->g.flags & TELEM_I_SHM_HASHES) {
        f->hash = telem_i_shm_hash(f->data, f->len);
        f->flags |= TELEM_SHM_HASHED;
    }
    r = telem_i_shm_put(w, f, number);
    if (r != TELEM_OK)
        TELEM_I_SHM_PUT64(telem_i_shm_slot_at(s, f->slot), /* S13 */
                          telem_i_shm_word(was >> TELEM_I_SHM_BITS, TELEM_I_SHM_FREE, 0, 0));
    return r;
}

/* A payload of any size: one frame, or chunks of the largest class. */
static telem_result telem_i_shm_publish_any(telem_shm_writer *w, const telem_shm_item *item) {
    telem_shm *s = w->shm;
    telem_i_shm_fill f = TELEM_ZERO;
    uint64_t most = s->g.classes ? s->g.klass[s->g.classes - 1u].bytes : s->g.inline_bytes, number = 0,
             done = 0;
    telem_result r = TELEM_OK;
    f.stream = item->stream;
    f.time = telem_i_shm_stamp(w, item->time, &r);
    f.data = item->data;
    f.len = item->len;
    if (r != TELEM_OK || item->stream > TELEM_SHM_PARTS || (item->len && !item->data)) return TELEM_ERR_ARG;
    if (item->len <= most) return telem_i_shm_publish_one(w, &f, &number);
    if (s->g.classes == 0) return TELEM_ERR_LIMIT;
    f.total = item->len;
    while (done < item->len && r == TELEM_OK) {
        f.flags = TELEM_SHM_CHUNK;
        f.data = (const uint8_t *)item->data + done;
        f.len = item->len - done < most ? item->len - done : most;
        f.offset = done;
        r = telem_i_shm_publish_one(w, &f, &number);
        if (done == 0) f.group = number;
        done += f.len;
        if (r == TELEM_OK && done < item->len) telem_i_shm_finish(w);
    }
    return r;
}

/* Nothing to decide and nothing to wait for but the number? */
TELEM_I_SHM_QUICK int telem_i_shm_small(const telem_shm_writer *w, uint32_t stream, int64_t time,
                                        const void *data, uint64_t len) {
    return len <= w->shm->g.inline_bytes && stream <= TELEM_SHM_PARTS && time != TELEM_SHM_NOW &&
           (data || len == 0);
}

TELEM_API telem_result telem_shm_publish(telem_shm_writer *w, uint32_t stream, int64_t time,
                                         const void *data, uint64_t len) {
    telem_shm_item item;
    telem_result r;
    if (!w || !w->shm) return TELEM_ERR_ARG;
    if (w->shm->g.writers == 1 && telem_i_shm_small(w, stream, time, data, len)) {
        uint64_t number;
        r = telem_i_shm_put_inline(w, stream, time, data, len, &number);
        telem_i_shm_finish(w);
        return r;
    }
    item.stream = stream, item.time = time, item.data = data, item.len = len;
    if (w->shm->g.writers > 1) {
        telem_i_shm_busy(w);
        r = telem_i_shm_publish_any(w, &item);
        telem_i_shm_idle(w);
    } else r = telem_i_shm_publish_any(w, &item);
    telem_i_shm_finish(w);
    return r;
}

TELEM_API uint32_t telem_shm_publish_batch(telem_shm_writer *w, const telem_shm_item *items, uint32_t n,
                                           telem_result *why) {
    telem_result r = TELEM_OK;
    uint32_t i = 0;
    if (!w || !w->shm || (n && !items)) r = TELEM_ERR_ARG;
    else {
        telem_i_shm_busy(w);
        for (; i < n && r == TELEM_OK; i++) {
            const telem_shm_item *it = &items[i];
            uint64_t number;
            if (telem_i_shm_small(w, it->stream, it->time, it->data, it->len))
                r = telem_i_shm_put_inline(w, it->stream, it->time, it->data, it->len, &number);
            else r = telem_i_shm_publish_any(w, it);
            if (r != TELEM_OK) break;
        }
        telem_i_shm_idle(w);
        telem_i_shm_finish(w);
    }
    if (why) *why = r;
    return i;
}

TELEM_API telem_result telem_shm_begin(telem_shm_writer *w, uint64_t len, telem_shm_slot *slot) {
    telem_shm_slot s = TELEM_ZERO;
    telem_result r;
    uint32_t c;
    if (!w || !w->shm || !slot) return TELEM_ERR_ARG;
    if (len <= w->shm->g.inline_bytes) {
        uintptr_t at = ((uintptr_t)w->scratch + 63u) & ~(uintptr_t)63u;
        if (w->scratch_open) return TELEM_ERR_STATE;
        w->scratch_open = 1;
        s.data = (uint8_t *)w->scratch + (at - (uintptr_t)w->scratch);
        s.capacity = w->shm->g.inline_bytes;
        s.slot = TELEM_I_SHM_SCRATCH;
        *slot = s;
        return TELEM_OK;
    }
    c = telem_i_shm_class_for(w->shm, len);
    if (c >= w->shm->g.classes) return TELEM_ERR_LIMIT;
    r = telem_i_shm_slot_take(w, c, &s.slot, &s.was);
    if (r != TELEM_OK) return r;
    s.data = telem_i_shm_slot_bytes(w->shm, s.slot, &s.capacity);
    w->open++;
    *slot = s;
    return TELEM_OK;
}

/* Is this a slot that begin gave and that is still open? */
static int telem_i_shm_open_slot(const telem_shm_writer *w, const telem_shm_slot *slot) {
    uint64_t word;
    if (!slot->data) return 0; /* committed or given up */
    if (slot->slot == TELEM_I_SHM_SCRATCH) return w->scratch_open;
    if (slot->slot >= w->shm->g.slots) return 0;
    word = TELEM_LOAD64_RELAXED(telem_i_shm_slot_at(w->shm, slot->slot));
    return w->open > 0 && TELEM_I_SHM_STATE(word) == TELEM_I_SHM_HELD && TELEM_I_SHM_LOW(word) == w->index;
}

TELEM_API telem_result telem_shm_commit(telem_shm_writer *w, telem_shm_slot *slot, uint32_t stream,
                                        int64_t time, uint64_t len) {
    telem_i_shm_fill f = TELEM_ZERO;
    uint64_t number = 0;
    telem_result r = TELEM_OK;
    if (!w || !w->shm || !slot || stream > TELEM_SHM_PARTS || len > slot->capacity) return TELEM_ERR_ARG;
    if (!telem_i_shm_open_slot(w, slot)) return TELEM_ERR_STATE;
    TELEM_I_SHM_CLAIM(telem_i_shm_desc_at(w->shm, w->next));
    f.stream = stream;
    f.time = telem_i_shm_stamp(w, time, &r);
    if (r != TELEM_OK) return r;
    f.data = slot->data;
    f.len = len;
    f.content = slot->content;
    f.slot = slot->slot == TELEM_I_SHM_SCRATCH ? TELEM_I_SHM_INLINE : slot->slot;
    if (f.slot != TELEM_I_SHM_INLINE && (w->shm->g.flags & TELEM_I_SHM_HASHES)) {
        f.hash = telem_i_shm_hash(slot->data, len);
        f.flags = TELEM_SHM_HASHED;
    }
    if (w->shm->g.writers > 1) telem_i_shm_busy(w);
    r = telem_i_shm_put(w, &f, &number);
    if (w->shm->g.writers > 1) telem_i_shm_idle(w);
    telem_i_shm_finish(w);
    if (r != TELEM_OK) return r;
    if (f.slot == TELEM_I_SHM_INLINE) w->scratch_open = 0;
    else w->open--;
    slot->data = NULL;
    return TELEM_OK;
}

TELEM_API telem_result telem_shm_abort(telem_shm_writer *w, telem_shm_slot *slot) {
    telem_i_shm_writer *me;
    if (!w || !w->shm || !slot) return TELEM_ERR_ARG;
    if (!telem_i_shm_open_slot(w, slot)) return TELEM_ERR_STATE;
    me = telem_i_shm_writer_at(w->shm, w->index);
    if (slot->slot == TELEM_I_SHM_SCRATCH) w->scratch_open = 0;
    else {
        uint64_t word = telem_i_shm_word(slot->was >> TELEM_I_SHM_BITS, TELEM_I_SHM_FREE, 0, 0);
        TELEM_I_SHM_PUT64(telem_i_shm_slot_at(w->shm, slot->slot), word); /* S13 */
        w->open--;
    }
    TELEM_I_SHM_SET64(&me->aborted, TELEM_LOAD64_RELAXED(&me->aborted) + 1u);
    slot->data = NULL;
    return TELEM_OK;
}

TELEM_API telem_result telem_shm_writer_init(telem_shm_writer *w, telem_shm *shm,
                                             const telem_shm_writer_desc *desc) {
    telem_i_shm_writer *e;
    int32_t i;
    if (!w || !shm || !shm->attached) return TELEM_ERR_ARG;
    if (!shm->writable) return TELEM_ERR_ACCESS;
    memset(w, 0, sizeof *w);
    if (desc) w->desc = *desc;
    if (w->desc.patience == 0) w->desc.patience = 1000000000u;
    w->socket = TELEM_I_SHM_NONE;
    i = telem_i_shm_claim(shm, 0);
    if (i < 0) return TELEM_FULL;
    w->index = (uint32_t)i;
    e = telem_i_shm_writer_at(shm, w->index);
    TELEM_I_SHM_SET32(&e->pid, telem_i_shm_pid());
    telem_i_shm_name_put(e->name, w->desc.name);
    w->desc.name = NULL;
    w->shm = shm;
    w->busy = TELEM_LOAD64_RELAXED(&e->busy);
    if (w->busy & 1u) TELEM_I_SHM_SET64(&e->busy, ++w->busy);
    TELEM_I_SHM_SET64(&e->frames, 0);
    TELEM_I_SHM_SET64(&e->bytes, 0);
    TELEM_I_SHM_SET64(&e->no_slot, 0);
    TELEM_I_SHM_SET64(&e->refused, 0);
    TELEM_I_SHM_SET64(&e->aborted, 0);
    TELEM_I_SHM_SET64(&e->expelled, 0);
    TELEM_I_SHM_SET64(&e->waited, 0);
    w->next = telem_i_shm_head(shm);
    w->fenced = 0;
    telem_i_shm_limit(w);
    telem_i_shm_finish(w);
    return TELEM_OK;
}

TELEM_API telem_result telem_shm_writer_deinit(telem_shm_writer *w) {
    telem_i_shm_writer *e;
    telem_shm *s;
    uint32_t mine;
    if (!w || !w->shm) return TELEM_ERR_ARG;
    if (w->open) return TELEM_ERR_STATE;
    s = w->shm;
    mine = w->index + 1u;
    if (TELEM_CAS32(&telem_i_shm_control_of(s)->consumer, &mine, 0)) TELEM_I_SHM_POINT(); /* S19 */
    e = telem_i_shm_writer_at(s, w->index);
    telem_i_shm_ear_close(w->socket);
    TELEM_I_SHM_PUT32(&e->state, TELEM_LOAD32_RELAXED(&e->state) + 1u); /* S16 */
    telem_i_shm_role_drop(s, TELEM_I_SHM_WRITER + w->index);
    memset(w, 0, sizeof *w);
    return TELEM_OK;
}

TELEM_API telem_result telem_shm_beat(telem_shm_writer *w) {
    telem_i_shm_live *live;
    if (!w || !w->shm) return TELEM_ERR_ARG;
    live = telem_i_shm_live_of(w->shm);
    TELEM_I_SHM_PUT64(&live->beat, telem_i_shm_now()); /* S21 */
    (void)telem_i_shm_sweep(w->shm);
    return TELEM_LOAD32_ACQUIRE(&live->state) == TELEM_I_SHM_REPLACED ? TELEM_END : TELEM_OK; /* S14 */
}

/* -- parts: {u32 stream, u32 elements, u32 bytes, u32 0} and the elements, padded to 8 -- */

TELEM_API telem_result telem_shm_part_put(void *buf, uint64_t cap, uint64_t *used, uint32_t stream,
                                          const void *data, uint32_t element, uint32_t count) {
    uint64_t bytes = (uint64_t)element * count, need = 16u + telem_i_shm_round(bytes, 8u);
    uint32_t head[4];
    uint8_t *p;
    if (!buf || !used || (bytes && !data) || stream > TELEM_SHM_STREAM_MAX || (*used & 7u) != 0)
        return TELEM_ERR_ARG;
    if (bytes > UINT32_MAX || *used > cap || need > cap - *used) return TELEM_ERR_LIMIT;
    p = (uint8_t *)buf + (size_t)*used;
    head[0] = stream, head[1] = count, head[2] = (uint32_t)bytes, head[3] = 0;
    memcpy(p, head, 16);
    if (bytes) memcpy(p + 16, data, (size_t)bytes);
    memset(p + 16 + (size_t)bytes, 0, (size_t)(need - 16u - bytes));
    *used += need;
    return TELEM_OK;
}

TELEM_API telem_result telem_shm_part_next(const void *data, uint64_t len, uint64_t *at,
                                           telem_shm_part *part) {
    uint32_t head[4];
    const uint8_t *p;
    if (!at || !part || (len && !data) || (*at & 7u) != 0) return TELEM_ERR_ARG;
    if (*at >= len) return TELEM_END;
    if (len - *at < 16u) return TELEM_ERR_CORRUPT;
    p = (const uint8_t *)data + (size_t)*at;
    memcpy(head, p, 16);
    if (head[3] != 0 || head[0] > TELEM_SHM_STREAM_MAX || telem_i_shm_round(head[2], 8u) > len - *at - 16u)
        return TELEM_ERR_CORRUPT;
    part->stream = head[0], part->count = head[1], part->size = head[2];
    part->data = p + 16;
    *at += 16u + telem_i_shm_round(head[2], 8u);
    return TELEM_OK;
}

/* >>position: where a reader stands. */

TELEM_I_SHM_QUICK void telem_i_shm_show(telem_shm_reader *rd) {
    telem_i_shm_reader *e;
    if (rd->index < 0) return;
    e = telem_i_shm_reader_at(rd->shm, (uint32_t)rd->index);
    TELEM_I_SHM_SET64(&e->next, rd->next);
    TELEM_I_SHM_SET64(&e->delivered, rd->delivered);
    TELEM_I_SHM_SET64(&e->lost, rd->lost);
    TELEM_I_SHM_SET64(&e->filtered, rd->filtered);
}

static void telem_i_shm_lose(telem_shm_reader *rd, uint64_t n) {
    if (!rd->loss_open) {
        rd->loss_open = 1;
        if (rd->lost == rd->lost_told) rd->loss_first = rd->last_time;
    }
    rd->lost += n;
    rd->loss_last = INT64_MAX;
}

/* Overtaken: on with what is left, an eighth of the ring away from the writer. */
static void telem_i_shm_lapped(telem_shm_reader *rd) {
    uint64_t frames = rd->shm->g.frames, head = telem_i_shm_head(rd->shm), to = head - frames + frames / 8u;
    if (head < frames || to <= rd->next) to = rd->next + 1u;
    if (rd->started) telem_i_shm_lose(rd, to - rd->next);
    rd->next = to;
}

/* Reliable and not expelled? Then nothing from the gate on changes. */
static int telem_i_shm_gating(telem_shm_reader *rd) {
    const telem_i_shm_control *c = telem_i_shm_control_of(rd->shm);
    return rd->reliable && rd->index >= 0 &&
           (TELEM_LOAD64_ACQUIRE(&c->gates) >> (uint32_t)rd->index & 1u) != 0; /* S8 */
}

/* Number `next` is RESERVED. 1: pass over it: its writer is dead, or others were finished since and
   patience is over. */
static int telem_i_shm_stalled(telem_shm_reader *rd, uint64_t word) {
    uint64_t now = telem_i_shm_now();
    if (telem_i_shm_head(rd->shm) <= rd->next + 1u) return 0; /* nothing is held up */
    if (rd->stall_number != rd->next || rd->stall_since == 0) {
        rd->stall_number = rd->next;
        rd->stall_since = now ? now : 1u;
    }
    if (!telem_i_shm_writer_alive(rd->shm, TELEM_I_SHM_LOW(word))) {
        /* it may have committed just before its death */
        return TELEM_LOAD64_ACQUIRE(telem_i_shm_desc_at(rd->shm, rd->next)) == word; /* S2 */
    }
    if (telem_i_shm_gating(rd)) return 0; /* nothing is lost for a reliable one; it is expelled if need be */
    return now > rd->stall_since && now - rd->stall_since > rd->desc.stall;
}

/* Number `next` was never taken because its place is held by a writer that is parked since an
   earlier lap: then later ones are taken. */
static int telem_i_shm_hole(const telem_shm_reader *rd) {
    uint64_t n = rd->next + 1u, end = rd->next + rd->shm->g.frames;
    for (; n < end; n++)
        if (telem_i_shm_ahead(TELEM_LOAD64_ACQUIRE(telem_i_shm_desc_at(rd->shm, n)), n) >= 0) return 1;
    return 0;
}

/* The word of the next frame that is there. Passes over what is lost or void. deep: look at what
   costs more than a load, too (else each 64th time). TELEM_OK, TELEM_EMPTY, TELEM_AGAIN. */
static telem_result telem_i_shm_seek(telem_shm_reader *rd, uint64_t *word, int deep) {
    uint64_t budget = 2u * (uint64_t)rd->shm->g.frames + 16u;
    while (budget-- > 0) {
        uint64_t n = rd->next, w = TELEM_LOAD64_ACQUIRE(telem_i_shm_desc_at(rd->shm, n)); /* S2 */
        uint32_t state = TELEM_I_SHM_STATE(w);
        int64_t ahead;
        if (TELEM_I_SHM_IS(w, n) && state == TELEM_I_SHM_COMMITTED) {
            *word = w;
            return TELEM_OK;
        }
        ahead = telem_i_shm_ahead(w, n);
        if (ahead > 0) telem_i_shm_lapped(rd);
        else if (ahead == 0 && state == TELEM_I_SHM_VOID) rd->voided += rd->started, rd->next++;
        else if (ahead == 0 && state == TELEM_I_SHM_GONE) {
            if (rd->started) {
                if (rd->reliable && budget > rd->shm->g.frames)
                    continue; /* a writer that did not know of us yet gives it back */
                telem_i_shm_lose(rd, 1);
            }
            rd->next++;
        } else {
            if (!deep && (++rd->idle & (state == TELEM_I_SHM_RESERVED ? 63u : 4095u)) != 0)
                return TELEM_EMPTY;
            if (ahead == 0 && telem_i_shm_stalled(rd, w)) telem_i_shm_lose(rd, 1), rd->next++;
            else if (ahead < 0 && state == TELEM_I_SHM_RESERVED && telem_i_shm_hole(rd))
                rd->voided++, rd->next++;
            else if (ahead < 0 && telem_i_shm_head(rd->shm) > n + rd->shm->g.frames)
                telem_i_shm_lapped(rd); /* HORIZONS */
            else return TELEM_EMPTY;
        }
    }
    return TELEM_AGAIN;
}

/* >>deliver */

#define TELEM_I_SHM_CHANGED 1 /* telem_i_shm_load's answers besides TELEM_OK and ERR_CORRUPT */

/* Checks what a descriptor says of a slot's frame; all of it may be anything. */
static int telem_i_shm_far_ok(const telem_shm *s, telem_shm_frame *f) {
    uint64_t bytes;
    if (f->slot >= s->g.slots) return 0;
    f->data = telem_i_shm_slot_bytes(s, f->slot, &bytes);
    if (f->len > bytes || (f->flags & ~(TELEM_SHM_HASHED | TELEM_SHM_CHUNK)) != 0) return 0;
    if (!(f->flags & TELEM_SHM_CHUNK)) return 1;
    return f->len > 0 && f->offset < f->total && f->len <= f->total - f->offset;
}

/* Number n, whose word is `word`, into *f; an inline payload into `held`. */
TELEM_I_SHM_QUICK int telem_i_shm_load_quick(const telem_shm *s, uint64_t n, uint64_t word,
                                             telem_shm_frame *f, uint64_t *held) {
    const telem_atomic64 *d = telem_i_shm_desc_at(s, n);
    uint32_t low = TELEM_I_SHM_LOW(word), i;
    uint64_t place;
    int bad = 0;
    f->number = n;
    f->word = word;
    f->stream = (uint32_t)(word >> 10) & 0xFFFFu;
    f->time = telem_i_signed(TELEM_LOAD64_RELAXED(d + 1));
    f->total = f->offset = f->group = f->hash = 0;
    f->content = f->flags = 0;
    f->pinned = 0;
    f->epoch = s->epoch;
    if (low != TELEM_I_SHM_FAR) {
        f->slot = TELEM_I_SHM_INLINE;
        f->len = low;
        f->data = held;
        for (i = 0; i < 6; i++) held[i] = TELEM_LOAD64_RELAXED(d + 2 + i); /* a line's, whatever the length */
        if (low > s->g.inline_bytes) bad = 1;
        else for (; i * 8u < low; i++) held[i] = TELEM_LOAD64_RELAXED(d + 2 + i);
    } else {
        f->len = TELEM_LOAD64_RELAXED(d + 2);
        place = TELEM_LOAD64_RELAXED(d + 3);
        f->slot = (uint32_t)(place & UINT32_MAX);
        f->flags = (uint16_t)(place >> 32 & 0xFFFFu);
        f->content = (uint16_t)(place >> 48);
        if (f->flags & TELEM_SHM_HASHED) f->hash = TELEM_LOAD64_RELAXED(d + 4);
        if (f->flags & TELEM_SHM_CHUNK) {
            f->total = TELEM_LOAD64_RELAXED(d + 5);
            f->offset = TELEM_LOAD64_RELAXED(d + 6);
            f->group = TELEM_LOAD64_RELAXED(d + 7);
        }
        bad = !telem_i_shm_far_ok(s, f);
    }
    TELEM_FENCE_ACQUIRE(); /* S1 */
    if (TELEM_LOAD64_RELAXED(d) != word) return TELEM_I_SHM_CHANGED;
    return bad ? (int)TELEM_ERR_CORRUPT : (int)TELEM_OK;
}
static int telem_i_shm_load(const telem_shm *s, uint64_t n, uint64_t word, telem_shm_frame *f,
                            uint64_t *held) {
    return telem_i_shm_load_quick(s, n, word, f, held);
}

TELEM_API int telem_shm_valid(telem_shm_reader *rd, const telem_shm_frame *frame) {
    if (!rd || !rd->shm || !frame) return 0;
    if (frame->slot == TELEM_I_SHM_INLINE) return 1;
    if (frame->epoch != rd->shm->epoch) return 0; /* its segment is not mapped any more */
    if (frame->pinned) return 1;
    TELEM_FENCE_ACQUIRE(); /* S1: what was read before is older than this look */
    return TELEM_LOAD64_RELAXED(telem_i_shm_desc_at(rd->shm, frame->number)) == frame->word;
}

TELEM_API telem_result telem_shm_pin(telem_shm_reader *rd, telem_shm_frame *frame) {
    telem_atomic64 *pins;
    uint64_t bit;
    if (!rd || !rd->shm || !frame) return TELEM_ERR_ARG;
    if (frame->slot == TELEM_I_SHM_INLINE || frame->pinned) return TELEM_OK;
    if (rd->index < 0 || rd->shm->g.pins == 0) return TELEM_ERR_STATE;
    if (rd->pinned >= rd->shm->g.pins) return TELEM_FULL;
    if (frame->slot >= rd->shm->g.slots) return TELEM_ERR_ARG;
    if (frame->epoch != rd->shm->epoch) return TELEM_LAPPED;
    pins = telem_i_shm_pins_at(rd->shm, frame->slot);
    bit = (uint64_t)1 << (uint32_t)rd->index;
    if (TELEM_LOAD64_RELAXED(pins) & bit) { /* this reader holds the slot by another frame variable */
        return telem_shm_valid(rd, frame) ? TELEM_ERR_EXISTS : TELEM_LAPPED;
    }
    telem_i_shm_bits_set(pins, bit); /* S3 */
    TELEM_FENCE_SEQ_CST(); /* S3 */
    if (TELEM_LOAD64_ACQUIRE(telem_i_shm_desc_at(rd->shm, frame->number)) != frame->word) { /* S2 */
        telem_i_shm_bits_clear(pins, bit); /* S4 */
        return TELEM_LAPPED;
    }
    frame->pinned = 1;
    TELEM_I_SHM_SET32(&telem_i_shm_reader_at(rd->shm, (uint32_t)rd->index)->pins, ++rd->pinned);
    return TELEM_OK;
}

TELEM_API telem_result telem_shm_unpin(telem_shm_reader *rd, telem_shm_frame *frame) {
    if (!rd || !rd->shm || !frame) return TELEM_ERR_ARG;
    if (!frame->pinned) return TELEM_OK;
    if (frame->slot >= rd->shm->g.slots || rd->pinned == 0) return TELEM_ERR_ARG;
    telem_i_shm_bits_clear(telem_i_shm_pins_at(rd->shm, frame->slot),
                           (uint64_t)1 << (uint32_t)rd->index); /* S4 */
    frame->pinned = 0;
    TELEM_I_SHM_SET32(&telem_i_shm_reader_at(rd->shm, (uint32_t)rd->index)->pins, --rd->pinned);
    return TELEM_OK;
}

TELEM_API telem_result telem_shm_copy(telem_shm_reader *rd, telem_shm_frame *frame, void *buf, size_t cap) {
    telem_result r = TELEM_OK;
    if (!rd || !rd->shm || !frame || (!buf && frame->len)) return TELEM_ERR_ARG;
    if (frame->len > cap) return TELEM_ERR_MEMORY;
    if (frame->slot == TELEM_I_SHM_INLINE || frame->pinned || frame->data == rd->desc.copy) {
        if (frame->len) memcpy(buf, frame->data, (size_t)frame->len);
        return TELEM_OK;
    }
    if (frame->epoch != rd->shm->epoch) return TELEM_LAPPED;
    if (rd->shm->g.pins == 0 && !rd->reliable) { /* published by words: copied by words */
        telem_i_shm_words_get(buf, (const telem_atomic64 *)frame->data, frame->len);
        return telem_shm_valid(rd, frame) ? TELEM_OK : TELEM_LAPPED;
    }
    if (telem_i_shm_gating(rd) && frame->number >= rd->gate) {
        memcpy(buf, frame->data, (size_t)frame->len);
        return telem_shm_valid(rd, frame) ? TELEM_OK : TELEM_LAPPED;
    }
    r = telem_shm_pin(rd, frame);
    if (r == TELEM_OK) {
        memcpy(buf, frame->data, (size_t)frame->len);
        return telem_shm_unpin(rd, frame);
    }
    if (r == TELEM_LAPPED) return r;
    telem_i_shm_words_get(buf, (const telem_atomic64 *)frame->data, frame->len); /* no pin to be had */
    return telem_shm_valid(rd, frame) ? TELEM_OK : TELEM_LAPPED;
}

TELEM_API telem_result telem_shm_verify(telem_shm_reader *rd, const telem_shm_frame *frame) {
    uint64_t h;
    if (!rd || !rd->shm || !frame) return TELEM_ERR_ARG;
    if (!(frame->flags & TELEM_SHM_HASHED)) return TELEM_OK;
    if (frame->slot != TELEM_I_SHM_INLINE && frame->epoch != rd->shm->epoch) return TELEM_LAPPED;
    h = telem_i_shm_hash(frame->data, frame->len);
    if (!telem_shm_valid(rd, frame)) return TELEM_LAPPED;
    return h == frame->hash ? TELEM_OK : TELEM_ERR_CORRUPT;
}

static int telem_i_shm_selected(const telem_shm_reader *rd, uint32_t stream) {
    uint32_t i;
    if (rd->desc.stream_count == 0 || stream == TELEM_SHM_PARTS) return 1;
    for (i = 0; i < rd->desc.stream_count; i++)
        if (rd->desc.streams[i] == stream) return 1;
    return 0;
}

/* The filter and the hash want bytes that stand still: a pin, or the copy. TELEM_OK: wanted;
   TELEM_EMPTY: not wanted. */
static telem_result telem_i_shm_inspect(telem_shm_reader *rd, telem_shm_frame *f) {
    telem_result r = TELEM_OK;
    int still = f->slot == TELEM_I_SHM_INLINE || telem_i_shm_gating(rd), pinned = 0;
    if (!still) {
        pinned = telem_shm_pin(rd, f) == TELEM_OK;
        if (!pinned) {
            if (!rd->desc.copy || f->len > rd->desc.copy_size)
                return telem_shm_valid(rd, f) ? TELEM_ERR_MEMORY : TELEM_LAPPED;
            r = telem_shm_copy(rd, f, rd->desc.copy, rd->desc.copy_size);
            if (r != TELEM_OK) return r;
            f->data = rd->desc.copy;
        }
    }
    if (rd->desc.verify && (f->flags & TELEM_SHM_HASHED) && telem_i_shm_hash(f->data, f->len) != f->hash)
        r = still && !telem_shm_valid(rd, f) ? TELEM_LAPPED : TELEM_ERR_CORRUPT;
    else if (rd->desc.filter && !rd->desc.filter(rd->desc.filter_user, f->stream, f->time, f->data,
                                                 f->len > UINT32_MAX ? UINT32_MAX : (uint32_t)f->len))
        r = TELEM_EMPTY;
    if (pinned) (void)telem_shm_unpin(rd, f);
    return r;
}

/* Nothing was there: TELEM_EMPTY, or TELEM_END: then look once more, at what came before the end. */
static telem_result telem_i_shm_ended(const telem_shm_reader *rd) {
    uint32_t state = TELEM_LOAD32_ACQUIRE(&telem_i_shm_live_of(rd->shm)->state); /* S14 */
    return state == TELEM_I_SHM_CLOSED || state == TELEM_I_SHM_REPLACED ? TELEM_END : TELEM_EMPTY;
}

/* Tells the writers how far a reliable reader is; TELEM_EXPELLED once. */
static telem_result telem_i_shm_gate(telem_shm_reader *rd) {
    telem_i_shm_reader *e;
    if (rd->index < 0) { /* the new segment had no entry for it */
        rd->reliable = 0;
        return TELEM_EXPELLED;
    }
    e = telem_i_shm_reader_at(rd->shm, (uint32_t)rd->index);
    if (rd->gate != rd->next) {
        rd->gate = rd->next;
        TELEM_I_SHM_PUT64(&e->gate, rd->next); /* S5 */
    }
    if (telem_i_shm_gating(rd)) return TELEM_OK;
    rd->reliable = 0;
    TELEM_I_SHM_SET32(&e->flags, 2);
    return TELEM_EXPELLED;
}

static TELEM_I_SHM_RARE telem_result telem_i_shm_next_frame(telem_shm_reader *rd, telem_shm_frame *f) {
    uint32_t budget = 65536;
    int ended = 0;
    while (budget-- > 0) {
        uint64_t word = 0;
        telem_result r = telem_i_shm_seek(rd, &word, ended);
        int got;
        if (r == TELEM_EMPTY && ended) return TELEM_END;
        if (r == TELEM_EMPTY) r = telem_i_shm_ended(rd);
        if (r == TELEM_END) {
            ended = 1;
            continue;
        }
        if (r != TELEM_OK) return r;
        got = telem_i_shm_load(rd->shm, rd->next, word, f, rd->held);
        if (got == TELEM_I_SHM_CHANGED) continue;
        if (got != TELEM_OK) {
            rd->corrupt++, rd->next++;
            return TELEM_ERR_CORRUPT;
        }
        if (rd->desc.stream_count && !telem_i_shm_selected(rd, f->stream)) r = TELEM_EMPTY;
        else if (rd->desc.filter || (rd->desc.verify && (f->flags & TELEM_SHM_HASHED)))
            r = telem_i_shm_inspect(rd, f);
        if (r == TELEM_LAPPED) continue;
        rd->started = 1;
        rd->next++;
        if (r == TELEM_OK) return r;
        if (r == TELEM_EMPTY) rd->filtered++;
        else if (r == TELEM_ERR_CORRUPT) rd->corrupt++;
        else telem_i_shm_lose(rd, 1);
        if (r != TELEM_EMPTY) return r;
    }
    return TELEM_AGAIN;
}

static int telem_i_shm_reattach(telem_shm_reader *rd);

/* What nearly every call meets: the next frame is there, or the writer has not come to it. TELEM_AGAIN:
   something else, or a reader that filters. */
TELEM_I_SHM_QUICK telem_result telem_i_shm_next_quick(telem_shm_reader *rd, telem_shm_frame *f) {
    const telem_atomic64 *d = telem_i_shm_desc_at(rd->shm, rd->next);
    uint64_t word = TELEM_LOAD64_ACQUIRE(d); /* S2 */
    if (TELEM_I_SHM_IS(word, rd->next) && TELEM_I_SHM_STATE(word) == TELEM_I_SHM_COMMITTED) {
        if (rd->picky || telem_i_shm_load_quick(rd->shm, rd->next, word, f, rd->held) != TELEM_OK)
            return TELEM_AGAIN;
        rd->started = 1;
        rd->next++;
        return TELEM_OK;
    }
    if (rd->shm->shift > 6u) TELEM_I_SHM_TOUCH(d + 8);
    if (rd->guess) TELEM_I_SHM_TOUCH(rd->guess);
    if (telem_i_shm_ahead(word, rd->next) >= 0 || TELEM_I_SHM_STATE(word) == TELEM_I_SHM_RESERVED ||
        (++rd->idle & 4095u) == 0)
        return TELEM_AGAIN;
    return telem_i_shm_ended(rd) == TELEM_EMPTY ? TELEM_EMPTY : TELEM_AGAIN;
}

/* The next small payload in a slot lies most likely behind the one just delivered: asking for its line
   together with the descriptor's saves one way from core to core. */
static void telem_i_shm_guess_next(telem_shm_reader *rd, const telem_shm_frame *f) {
    const telem_i_shm_class *k = rd->shm->g.klass;
    uint32_t c = 0;
    rd->guess = NULL;
    if (f->slot >= rd->shm->g.slots || f->len > 64u) return;
    while (c + 1u < rd->shm->g.classes && f->slot >= k[c + 1u].first) c++;
    rd->guess = rd->shm->data + (size_t)(k[c].offset + (f->slot + 1u - k[c].first) % k[c].count * k[c].bytes);
}

TELEM_API telem_result telem_shm_next(telem_shm_reader *rd, telem_shm_frame *frame) {
    telem_result r;
    if (!rd || !rd->shm || !frame) return TELEM_ERR_ARG;
    if (rd->reliable) {
        r = telem_i_shm_gate(rd);
        if (r != TELEM_OK) return r;
    }
    r = telem_i_shm_next_quick(rd, frame);
    if (r == TELEM_EMPTY) return r;
    if (r == TELEM_AGAIN) r = telem_i_shm_next_frame(rd, frame);
    if (r == TELEM_END && rd->again.name && telem_i_shm_reattach(rd)) r = telem_i_shm_next_frame(rd, frame);
    if (r == TELEM_OK) {
        rd->delivered++;
        rd->last_time = frame->time;
        if (rd->loss_open) rd->loss_last = frame->time, rd->loss_open = 0;
        if (frame->slot != TELEM_I_SHM_INLINE) telem_i_shm_guess_next(rd, frame);
        telem_i_shm_show(rd);
    }
    return r;
}

/* >>read */

TELEM_API telem_result telem_shm_get(telem_shm_reader *rd, uint64_t number, telem_shm_frame *frame) {
    telem_shm_frame f;
    int tries = 8;
    if (!rd || !rd->shm || !frame) return TELEM_ERR_ARG;
    while (tries-- > 0) {
        uint64_t w = TELEM_LOAD64_ACQUIRE(telem_i_shm_desc_at(rd->shm, number)); /* S2 */
        int64_t ahead = telem_i_shm_ahead(w, number);
        int got;
        if (ahead > 0 || (ahead == 0 && TELEM_I_SHM_STATE(w) == TELEM_I_SHM_GONE)) return TELEM_LAPPED;
        if (ahead < 0 || TELEM_I_SHM_STATE(w) != TELEM_I_SHM_COMMITTED) return TELEM_EMPTY;
        got = telem_i_shm_load(rd->shm, number, w, &f, rd->held);
        if (got == TELEM_I_SHM_CHANGED) continue;
        if (got == TELEM_OK) *frame = f;
        return (telem_result)got;
    }
    return TELEM_LAPPED;
}

TELEM_API telem_result telem_shm_latest(telem_shm_reader *rd, telem_shm_frame *frame) {
    int tries = 8;
    if (!rd || !rd->shm || !frame) return TELEM_ERR_ARG;
    while (tries-- > 0) {
        uint64_t n = telem_i_shm_head(rd->shm), left = rd->shm->g.frames;
        for (; left > 0 && n > 0; left--) {
            telem_result r = telem_shm_get(rd, --n, frame);
            if (r == TELEM_LAPPED && left > rd->shm->g.frames / 2u)
                break; /* the writer is fast: look again */
            if (r != TELEM_EMPTY && r != TELEM_LAPPED) return r;
        }
        if (left == 0 || n == 0) return TELEM_EMPTY;
    }
    return TELEM_EMPTY;
}

/* Is time `t` of a later frame a better answer than `best`? */
static int telem_i_shm_better(int64_t t, int64_t best, int64_t want, uint32_t how) {
    uint64_t a, b;
    if (how == TELEM_SHM_BEFORE) return t >= best;
    if (how == TELEM_SHM_AFTER) return t < best;
    a = t < want ? (uint64_t)want - (uint64_t)t : (uint64_t)t - (uint64_t)want;
    b = best < want ? (uint64_t)want - (uint64_t)best : (uint64_t)best - (uint64_t)want;
    return a < b;
}

TELEM_API telem_result telem_shm_find(telem_shm_reader *rd, int64_t time, uint32_t how,
                                      telem_shm_frame *frame) {
    int tries = 8;
    if (!rd || !rd->shm || !frame || how > TELEM_SHM_NEAREST) return TELEM_ERR_ARG;
    while (tries-- > 0) {
        uint64_t head = telem_i_shm_head(rd->shm),
                 n = head > rd->shm->g.frames ? head - rd->shm->g.frames : 0, best = 0;
        int64_t best_time = 0;
        int have = 0;
        telem_result r;
        for (; n < head; n++) {
            const telem_atomic64 *d = telem_i_shm_desc_at(rd->shm, n);
            uint64_t w = TELEM_LOAD64_ACQUIRE(d); /* S2 */
            int64_t t = telem_i_signed(TELEM_LOAD64_RELAXED(d + 1));
            TELEM_FENCE_ACQUIRE(); /* S1 */
            if (TELEM_LOAD64_RELAXED(d) != w || !TELEM_I_SHM_IS(w, n) ||
                TELEM_I_SHM_STATE(w) != TELEM_I_SHM_COMMITTED)
                continue;
            if (!telem_i_shm_selected(rd, (uint32_t)(w >> 10) & 0xFFFFu)) continue;
            if ((how == TELEM_SHM_BEFORE && t > time) || (how == TELEM_SHM_AFTER && t < time)) continue;
            if (have && !telem_i_shm_better(t, best_time, time, how)) continue;
            have = 1, best = n, best_time = t;
        }
        if (!have) return TELEM_EMPTY;
        r = telem_shm_get(rd, best, frame);
        if (r != TELEM_LAPPED && r != TELEM_EMPTY) return r;
    }
    return TELEM_EMPTY;
}

TELEM_API telem_result telem_shm_read(telem_shm_reader *rd, telem_shm_frame *frame, void *buf, size_t cap) {
    telem_shm_frame f;
    telem_result r;
    if (!rd || !rd->shm || !frame || (!buf && cap)) return TELEM_ERR_ARG;
    for (;;) {
        uint64_t next, lost = rd->lost;
        r = telem_shm_next(rd, &f);
        if (r != TELEM_OK) return r;
        next = f.number;
        r = telem_shm_copy(rd, &f, buf, cap);
        if (r == TELEM_OK) break;
        rd->delivered--;
        if (r == TELEM_ERR_MEMORY) { /* not consumed */
            rd->next = next;
            if (rd->lost != lost) rd->loss_open = 1;
            *frame = f;
            frame->data = NULL;
            return r;
        }
        telem_i_shm_lose(rd, 1);
    }
    f.data = buf;
    f.slot = TELEM_I_SHM_INLINE; /* the payload is the caller's */
    *frame = f;
    return TELEM_OK;
}

TELEM_API int64_t telem_shm_read_batch(telem_shm_reader *rd, telem_shm_frame *frames, uint32_t n,
                                       void *buf, size_t cap) {
    uint32_t i = 0;
    size_t at = 0;
    if (!rd || !rd->shm || (n && !frames)) return TELEM_ERR_ARG;
    for (; i < n; i++) {
        telem_result r = telem_shm_read(rd, &frames[i], (uint8_t *)buf + at, cap - at);
        if (r != TELEM_OK) return i > 0 ? (int64_t)i : (int64_t)r;
        at += (size_t)telem_i_shm_round(frames[i].len, 8u);
        if (at > cap) at = cap;
    }
    return i;
}

TELEM_API telem_result telem_shm_gather_add(telem_shm_gather *g, telem_shm_reader *rd,
                                            telem_shm_frame *frame) {
    telem_result r;
    int displaced = 0;
    if (!g || !rd || !rd->shm || !frame || !(frame->flags & TELEM_SHM_CHUNK)) return TELEM_ERR_ARG;
    if (frame->offset == 0) {
        displaced = g->total != 0 && g->have < g->total; /* another writer's, unfinished */
        g->group = frame->group;
        g->total = frame->total;
        g->have = 0;
    }
    if (g->total == 0 || frame->group != g->group || frame->total != g->total || frame->offset != g->have) {
        int other = g->total != 0 && g->have < g->total && frame->group != g->group;
        if (!other) g->total = 0;
        return other ? TELEM_AGAIN
                     : TELEM_LAPPED; /* another writer's chunk in between; or a chunk is missing */
    }
    if (g->total > g->cap) return TELEM_ERR_MEMORY;
    r = telem_shm_copy(rd, frame, (uint8_t *)g->buf + (size_t)g->have, (size_t)(g->cap - g->have));
    if (r != TELEM_OK) {
        g->total = 0;
        return r;
    }
    g->have += frame->len;
    if (g->have == g->total) return TELEM_OK;
    return displaced ? TELEM_LAPPED : TELEM_AGAIN;
}

TELEM_API telem_result telem_shm_reader_loss(telem_shm_reader *rd, telem_shm_loss *loss) {
    if (!rd || !loss) return TELEM_ERR_ARG;
    loss->count = rd->lost - rd->lost_told;
    loss->first = loss->count ? rd->loss_first : INT64_MIN;
    loss->last = loss->count ? rd->loss_last : INT64_MAX;
    rd->lost_told = rd->lost;
    return loss->count ? TELEM_OK : TELEM_EMPTY;
}

TELEM_API telem_result telem_shm_reader_stats(const telem_shm_reader *rd, telem_shm_reader_counts *counts) {
    uint64_t head;
    if (!rd || !rd->shm || !counts) return TELEM_ERR_ARG;
    head = telem_i_shm_head(rd->shm);
    counts->delivered = rd->delivered, counts->filtered = rd->filtered, counts->lost = rd->lost;
    counts->voided = rd->voided, counts->corrupt = rd->corrupt;
    counts->queued = head > rd->next ? head - rd->next : 0;
    return TELEM_OK;
}

/* -- joining and leaving -- */

/* Sees to it that no writer is inside a publish that began before our gate was set. */
static telem_result telem_i_shm_wait_busy(const telem_shm *s) {
    uint32_t i;
    for (i = 0; i < s->g.writers; i++) {
        const telem_i_shm_writer *e = telem_i_shm_writer_at(s, i);
        uint64_t seen = TELEM_LOAD64_ACQUIRE(&e->busy); /* S7 */
        uint32_t tries = 0;
        while ((seen & 1u) && TELEM_LOAD64_ACQUIRE(&e->busy) == seen) { /* S7 */
            if (++tries % 1000u == 0 && !telem_i_shm_writer_alive(s, i)) break;
            if (tries > 2000u) return TELEM_AGAIN; /* some 100 ms */
            if (tries > 1000u) telem_i_shm_nap(10000u);
            else TELEM_I_SHM_PAUSE();
        }
    }
    return TELEM_OK;
}

static void telem_i_shm_oldest(telem_shm_reader *rd) {
    uint64_t head = telem_i_shm_head(rd->shm), frames = rd->shm->g.frames, word;
    rd->next = head > frames ? head - frames : 0;
    rd->started = 0;
    (void)telem_i_shm_seek(rd, &word, 0);
}

static telem_result telem_i_shm_start(telem_shm_reader *rd) {
    uint64_t head = telem_i_shm_head(rd->shm), frames = rd->shm->g.frames;
    telem_shm_frame f;
    if (rd->desc.start == TELEM_SHM_OLDEST) telem_i_shm_oldest(rd);
    else rd->next = head;
    if (rd->desc.start == TELEM_SHM_LATEST && telem_shm_latest(rd, &f) == TELEM_OK) rd->next = f.number;
    if (rd->desc.reliable) {
        telem_i_shm_reader *e = telem_i_shm_reader_at(rd->shm, (uint32_t)rd->index);
        telem_i_shm_control *c = telem_i_shm_control_of(rd->shm);
        uint64_t bit = (uint64_t)1 << (uint32_t)rd->index;
        TELEM_I_SHM_SET64(&e->deadline, rd->desc.deadline);
        TELEM_I_SHM_PUT64(&e->gate, rd->next); /* S5 */
        telem_i_shm_bits_clear(&c->expelled, bit);
        telem_i_shm_bits_set(&c->gates, bit); /* S7 */
        (void)TELEM_FETCH_ADD64(&c->joins, 1); /* S7 */
        TELEM_I_SHM_POINT();
        TELEM_FENCE_SEQ_CST(); /* S7 */
        if (telem_i_shm_wait_busy(rd->shm) != TELEM_OK) return TELEM_AGAIN;
        head = telem_i_shm_head(rd->shm);
        if (head + 1u > frames && rd->next < head + 1u - frames) rd->next = head + 1u - frames; /* I4 */
        rd->gate = rd->next;
        TELEM_I_SHM_PUT64(&e->gate, rd->next); /* S5 */
        rd->reliable = 1;
        TELEM_I_SHM_SET32(&e->flags, 1);
    }
    rd->started = 1;
    return TELEM_OK;
}

TELEM_API telem_result telem_shm_reader_init(telem_shm_reader *rd, telem_shm *shm,
                                             const telem_shm_reader_desc *desc) {
    telem_shm_reader_desc d = TELEM_ZERO;
    telem_result r;
    if (!rd || !shm || !shm->attached) return TELEM_ERR_ARG;
    if (desc) d = *desc;
    if (d.start > TELEM_SHM_FRESH || d.wait > TELEM_SHM_SLEEP || (d.stream_count && !d.streams) ||
        ((uintptr_t)d.copy & 7u) != 0)
        return TELEM_ERR_ARG;
    if (d.reliable && !shm->registers) return TELEM_ERR_STATE;
    if (d.deadline == 0) d.deadline = 100000000u;
    if (d.spin == 0) d.spin = 50000u;
    if (d.stale == 0) d.stale = 1000000000u;
    if (d.stall == 0) d.stall = 10000000u;
    if (shm != &rd->own) { /* not telem_shm_reader_open's: nothing to attach anew */
        memset(&rd->own, 0, sizeof rd->own);
        memset(&rd->again, 0, sizeof rd->again);
    }
    rd->shm = shm;
    rd->index = -1;
    rd->desc = d;
    rd->desc.name = NULL;
    rd->next = rd->gate = rd->delivered = rd->lost = rd->filtered = rd->voided = rd->corrupt = 0;
    rd->stall_number = rd->stall_since = rd->lost_told = 0;
    rd->last_time = rd->loss_first = INT64_MIN;
    rd->loss_last = INT64_MAX;
    rd->pinned = 0;
    rd->reliable = rd->started = rd->loss_open = 0;
    rd->idle = 0;
    rd->guess = NULL;
    rd->picky = d.stream_count || d.filter || d.verify;
    rd->socket = TELEM_I_SHM_NONE;
    if (shm->registers) {
        telem_i_shm_reader *e;
        rd->index = telem_i_shm_claim(shm, 1);
        if (rd->index < 0) {
            rd->shm = NULL;
            return TELEM_FULL;
        }
        e = telem_i_shm_reader_at(shm, (uint32_t)rd->index);
        TELEM_I_SHM_SET32(&e->pid, telem_i_shm_pid());
        TELEM_I_SHM_SET32(&e->flags, 0);
        TELEM_I_SHM_SET32(&e->pins, 0);
        TELEM_I_SHM_SET32(&e->kind, 0);
        telem_i_shm_name_put(e->name, d.name);
    }
    r = telem_i_shm_start(rd);
    if (r != TELEM_OK) {
        telem_shm_reader_deinit(rd);
        return r;
    }
    telem_i_shm_show(rd);
    return TELEM_OK;
}

TELEM_API void telem_shm_reader_deinit(telem_shm_reader *rd) {
    if (!rd || !rd->shm) return;
    if (rd->index >= 0) {
        telem_i_shm_reader_sweep(rd->shm,
                                 (uint32_t)rd->index); /* as if we had died, but with the lock still ours */
        telem_i_shm_role_drop(rd->shm, TELEM_I_SHM_READER + (uint32_t)rd->index);
    }
    telem_i_shm_ear_close(rd->socket);
    rd->shm = NULL;
}

TELEM_API telem_result telem_shm_reader_open(telem_shm_reader *rd, const telem_shm_attach_desc *where,
                                             const telem_shm_reader_desc *desc) {
    telem_result r;
    if (!rd || !where) return TELEM_ERR_ARG;
    memset(rd, 0, sizeof *rd);
    r = telem_shm_attach(&rd->own, where);
    if (r != TELEM_OK) return r;
    r = telem_shm_reader_init(rd, &rd->own, desc);
    if (r != TELEM_OK) {
        telem_shm_detach(&rd->own);
        return r;
    }
    rd->again = *where;
    rd->again.name = where->backing == TELEM_SHM_FILES ? rd->own.name : NULL;
    rd->again.dir = NULL;
    return TELEM_OK;
}

TELEM_API void telem_shm_reader_close(telem_shm_reader *rd) {
    if (!rd) return;
    telem_shm_reader_deinit(rd);
    telem_shm_detach(&rd->own);
    memset(rd, 0, sizeof *rd);
}

TELEM_API telem_shm *telem_shm_reader_segment(const telem_shm_reader *rd) { return rd ? rd->shm : NULL; }

/* The segment is closed or replaced: is there another of that name? Then the reader moves, counts
   go on. */
static int telem_i_shm_reattach(telem_shm_reader *rd) {
    telem_shm fresh;
    telem_shm_reader was;
    telem_shm_attach_desc where = rd->again;
    if (rd->pinned) return 0; /* what is pinned must stay mapped */
    where.name = rd->own.name;
    where.dir = rd->own.dir;
    if (telem_shm_attach(&fresh, &where) != TELEM_OK) return 0;
    if (fresh.g.id == rd->own.g.id) {
        telem_shm_detach(&fresh);
        return 0;
    }
    was = *rd;
    rd->socket = TELEM_I_SHM_NONE; /* it may stand in somebody's poll set: it moves along */
    telem_shm_reader_deinit(rd);
    telem_shm_detach(&rd->own);
    rd->own = fresh;
    rd->own.epoch = (uint8_t)(was.own.epoch + 1u);
    was.desc.start = TELEM_SHM_OLDEST;
    if (telem_shm_reader_init(rd, &rd->own, &was.desc) != TELEM_OK) {
        was.desc.reliable = 0; /* the table is full, or we may not write: as an observer */
        rd->own.registers = 0;
        (void)telem_shm_reader_init(rd, &rd->own, &was.desc);
    }
    if (was.reliable && !rd->reliable) rd->reliable = 1; /* next tells EXPELLED */
    if (rd->index >= 0 && was.socket != TELEM_I_SHM_NONE) {
        telem_i_shm_reader *e = telem_i_shm_reader_at(rd->shm, (uint32_t)rd->index);
        rd->socket = was.socket;
        rd->nonce = was.nonce;
        TELEM_I_SHM_SET64(&e->nonce, rd->nonce);
        TELEM_I_SHM_PUT32(&e->kind, TELEM_I_SHM_EAR_KIND);
    } else telem_i_shm_ear_close(was.socket);
    rd->delivered = was.delivered, rd->lost = was.lost, rd->filtered = was.filtered;
    rd->voided = was.voided, rd->corrupt = was.corrupt, rd->lost_told = was.lost_told;
    rd->again.name = rd->own.name;
    return 1;
}

TELEM_API uint32_t telem_shm_health(telem_shm_reader *rd) {
    telem_i_shm_live *live;
    uint64_t beat, head, now = telem_i_shm_now();
    uint32_t state, i, lives = 0;
    if (!rd || !rd->shm) return TELEM_SHM_DEAD;
    live = telem_i_shm_live_of(rd->shm);
    state = TELEM_LOAD32_ACQUIRE(&live->state); /* S14 */
    if (state == TELEM_I_SHM_CLOSED) return TELEM_SHM_CLOSED;
    if (state == TELEM_I_SHM_REPLACED) return TELEM_SHM_REPLACED;
    for (i = 0; i < rd->shm->g.writers && !lives; i++) lives = telem_i_shm_writer_alive(rd->shm, i) ? 1u : 0u;
    if (!lives) return TELEM_SHM_DEAD;
    beat = TELEM_LOAD64_ACQUIRE(&live->beat); /* S21 */
    head = TELEM_LOAD64_RELAXED(&live->head);
    if (head != rd->shm->head_seen) {
        rd->shm->head_seen = head;
        rd->shm->beat_seen = now;
    }
    if (rd->shm->beat_seen > beat) beat = rd->shm->beat_seen;
    return beat != 0 && now > beat && now - beat > rd->desc.stale ? TELEM_SHM_SILENT : TELEM_SHM_ALIVE;
}

/* >>waiting */

static void telem_i_shm_disarm(telem_shm_reader *rd) {
    telem_i_shm_bits_clear(&telem_i_shm_control_of(rd->shm)->armed, (uint64_t)1 << (uint32_t)rd->index);
}

/* Arms, and looks again: TELEM_OK: something is there, not armed; TELEM_EMPTY: armed. */
static telem_result telem_i_shm_arm_look(telem_shm_reader *rd) {
    uint64_t word;
    telem_i_shm_bits_set(&telem_i_shm_control_of(rd->shm)->armed, (uint64_t)1 << (uint32_t)rd->index);
    TELEM_FENCE_SEQ_CST(); /* S6 */
    if (telem_i_shm_seek(rd, &word, 1) == TELEM_EMPTY && telem_i_shm_ended(rd) == TELEM_EMPTY)
        return TELEM_EMPTY;
    telem_i_shm_disarm(rd);
    return TELEM_OK;
}

/* One sleep of at most ns. */
static void telem_i_shm_sleep(telem_shm_reader *rd, uint64_t ns) {
    telem_i_shm_reader *e;
    uint32_t seen;
    if (rd->index < 0) { /* an observer cannot be woken */
        telem_i_shm_nap(ns < 100000u ? ns : 100000u);
        return;
    }
    e = telem_i_shm_reader_at(rd->shm, (uint32_t)rd->index);
    if (rd->socket != TELEM_I_SHM_NONE) {
#if TELEM_I_SHM_SYSTEM
        if (telem_i_shm_arm_look(rd) != TELEM_EMPTY) return;
        telem_i_shm_ears_wait(&rd->socket, 1, ns);
        telem_i_shm_ear_drain(rd->socket);
#endif
    } else {
        seen = TELEM_LOAD32_ACQUIRE(&e->futex); /* S18 */
        if (telem_i_shm_arm_look(rd) != TELEM_EMPTY) return;
        telem_i_shm_sleep_on(rd, &e->futex, seen, ns);
    }
    telem_i_shm_disarm(rd);
}

/* Something to look at? TELEM_OK, TELEM_EMPTY, TELEM_END. */
static telem_result telem_i_shm_look(telem_shm_reader *rd, int deep) {
    uint64_t word;
    telem_result r = telem_i_shm_seek(rd, &word, deep);
    if (r == TELEM_EMPTY && telem_i_shm_ended(rd) == TELEM_END) {
        r = telem_i_shm_seek(rd, &word, 1);
        if (r == TELEM_EMPTY) r = TELEM_END;
    }
    return r == TELEM_AGAIN ? TELEM_OK : r;
}

/* Looks at nothing but the word that the next frame changes, n times at most: 1, it is there. No pause:
   it would cost half of itself on average, and that is half of a line's way on some machines. What
   next will read behind the word is asked for together with it. */
TELEM_I_SHM_QUICK int telem_i_shm_stare(const telem_shm_reader *rd, uint32_t n) {
    const telem_atomic64 *d = telem_i_shm_desc_at(rd->shm, rd->next);
    const void *also = rd->shm->shift > 6u ? (const void *)(d + 8) : rd->guess ? rd->guess : (const void *)d;
    uint64_t want = telem_i_shm_word(rd->next, TELEM_I_SHM_COMMITTED, 0, 0), word = 0;
    const uint64_t mask = ~telem_i_shm_word(0, 0, 255, 65535u);
    while (n-- > 0) {
        word = TELEM_LOAD64_RELAXED(d);
        if ((word & mask) == want) return 1;
        TELEM_I_SHM_TOUCH(also);
    }
    return 0;
}

static telem_result telem_i_shm_spin(telem_shm_reader *rd, uint64_t ns, uint64_t start) {
    telem_result r;
    int i;
    do {
        for (i = 0; i < 4; i++) {
            if (telem_i_shm_stare(rd, 64)) return TELEM_OK;
            r = telem_i_shm_look(rd, 0);
            if (r != TELEM_EMPTY) return r;
        }
        if (rd->desc.wait != TELEM_SHM_SPIN) TELEM_I_SHM_PAUSE();
    } while (telem_i_shm_now() - start < ns);
    return TELEM_EMPTY;
}

TELEM_API telem_result telem_shm_wait(telem_shm_reader *rd, uint64_t timeout) {
    uint64_t start, spin, spent;
    telem_result r;
    if (!rd || !rd->shm) return TELEM_ERR_ARG;
#if TELEM_I_SHM_WINDOWS
    if (rd->index >= 0 && rd->desc.wait != TELEM_SHM_SPIN && rd->socket == TELEM_I_SHM_NONE) {
        intptr_t event;
        (void)telem_shm_reader_fd(rd, &event);
    }
#endif
    if (rd->reliable) {
        r = telem_i_shm_gate(rd);
        if (r == TELEM_EXPELLED) {
            rd->reliable = 1; /* next tells */
            return TELEM_OK;
        }
    }
    r = telem_i_shm_look(rd, 0);
    if (r == TELEM_OK || timeout == 0) return r;
    start = telem_i_shm_now();
    spin = rd->desc.wait == TELEM_SHM_SPIN ? timeout : rd->desc.wait == TELEM_SHM_SLEEP ? 0 : rd->desc.spin;
    if (spin > timeout) spin = timeout;
    for (spent = 0; spent < timeout; spent = telem_i_shm_now() - start) {
        uint64_t left = timeout - spent;
        if (r == TELEM_EMPTY && spin && spent <= spin) r = telem_i_shm_spin(rd, spin, start);
        else if (r == TELEM_EMPTY) {
            telem_i_shm_sleep(rd, left < TELEM_I_SHM_LOOK ? left : TELEM_I_SHM_LOOK);
            r = telem_i_shm_look(rd, 1);
        }
        if (r == TELEM_OK) return r;
        if (r == TELEM_END) {
            if (!rd->again.name) return r;
            if (!telem_i_shm_reattach(rd)) telem_i_shm_nap(left < 200000u ? left : 200000u);
            r = telem_i_shm_look(rd, 1); /* a new owner may have opened it again, too */
            if (r == TELEM_OK) return r;
        }
        if (!TELEM_I_SHM_SYSTEM) return r; /* no clock to wait by */
    }
    return r;
}

TELEM_API telem_result telem_shm_reader_fd(telem_shm_reader *rd, intptr_t *fd) {
#if TELEM_I_SHM_SYSTEM
    telem_i_shm_reader *e;
    uint64_t nonce;
    telem_result r;
    if (!rd || !rd->shm || !fd) return TELEM_ERR_ARG;
    if (rd->index < 0) return TELEM_ERR_STATE;
    if (rd->socket == TELEM_I_SHM_NONE) {
        nonce = telem_i_shm_random(rd);
        r = telem_i_shm_ear_open(nonce, &rd->socket);
        if (r != TELEM_OK) return r;
        e = telem_i_shm_reader_at(rd->shm, (uint32_t)rd->index);
        rd->nonce = nonce;
        TELEM_I_SHM_SET64(&e->nonce, nonce);
        TELEM_I_SHM_PUT32(&e->kind, TELEM_I_SHM_EAR_KIND);
    }
    *fd = rd->socket;
    return TELEM_OK;
#else
    (void)rd, (void)fd;
    return TELEM_ERR_UNSUPPORTED;
#endif
}

TELEM_API telem_result telem_shm_arm(telem_shm_reader *rd) {
    telem_result r;
    if (!rd || !rd->shm) return TELEM_ERR_ARG;
    if (rd->index < 0 || rd->socket == TELEM_I_SHM_NONE) return TELEM_ERR_STATE;
#if TELEM_I_SHM_SYSTEM
    telem_i_shm_ear_drain(rd->socket);
#endif
    if (rd->reliable) {
        r = telem_i_shm_gate(rd);
        if (r == TELEM_EXPELLED) {
            rd->reliable = 1;
            return TELEM_OK;
        }
    }
    return telem_i_shm_arm_look(rd);
}

#if TELEM_I_SHM_SYSTEM
/* Arms all; when none has anything, sleeps. Returns the index of one that has, or -1. */
static int64_t telem_i_shm_any_sleep(telem_shm_reader *const *rds, uint32_t n, uint64_t ns) {
    intptr_t ears[TELEM_I_SHM_ANY];
    uint32_t i, armed;
    int64_t found = -1;
    for (armed = 0; armed < n && found < 0; armed++)
        if (telem_shm_arm(rds[armed]) == TELEM_OK) found = (int64_t)armed;
    for (i = 0; i < n; i++) ears[i] = rds[i]->socket;
    if (found < 0) telem_i_shm_ears_wait(ears, n, ns);
    for (i = 0; i < armed; i++) telem_i_shm_disarm(rds[i]);
    return found;
}
#endif

TELEM_API telem_result telem_shm_wait_any(telem_shm_reader *const *rds, uint32_t n, uint64_t timeout,
                                          uint32_t *which) {
#if TELEM_I_SHM_SYSTEM
    uint64_t start, spent = 0;
    uint32_t i, turn, ended = 0;
    if (!rds || n == 0 || n > TELEM_I_SHM_ANY) return TELEM_ERR_ARG;
    for (i = 0; i < n; i++) {
        intptr_t fd;
        telem_result r = rds[i] ? telem_shm_reader_fd(rds[i], &fd) : TELEM_ERR_ARG;
        if (r != TELEM_OK) return r;
    }
    start = telem_i_shm_now();
    for (turn = 0;; turn++) {
        for (i = 0, ended = 0; i < n; i++) {
            telem_result r = telem_shm_wait(rds[i], 0);
            if (r == TELEM_END && rds[i]->again.name && telem_i_shm_reattach(rds[i])) {
                intptr_t fd;
                r = telem_shm_reader_fd(rds[i], &fd);
                if (r != TELEM_OK) return r; /* an observer now: ERR_STATE */
                r = telem_shm_wait(rds[i], 0);
            }
            if (r == TELEM_OK) {
                if (which) *which = i;
                return r;
            }
            ended += r == TELEM_END;
        }
        if (ended == n) return TELEM_END;
        spent = telem_i_shm_now() - start;
        if (spent >= timeout) return TELEM_EMPTY;
        if (spent > rds[0]->desc.spin) {
            uint64_t left = timeout - spent;
            if (ended) telem_i_shm_nap(left < 1000000u ? left : 1000000u);
            else (void)telem_i_shm_any_sleep(rds, n, left < TELEM_I_SHM_LOOK ? left : TELEM_I_SHM_LOOK);
        } else TELEM_I_SHM_PAUSE();
    }
#else
    (void)rds, (void)n, (void)timeout, (void)which;
    return TELEM_ERR_UNSUPPORTED;
#endif
}

/* >>back: one ring for each reader; he writes, one writer reads. Positions count bytes and only grow;
   a record does not wrap. */

TELEM_API telem_result telem_shm_control_write(telem_shm_reader *rd, uint32_t type, int64_t time,
                                               const void *data, uint32_t len) {
    telem_i_shm_ring *ring;
    uint8_t *bytes, *p;
    uint64_t size, at, read, need, room;
    uint32_t head[2];
    if (!rd || !rd->shm || (len && !data)) return TELEM_ERR_ARG;
    size = rd->shm->g.control_ring;
    if (rd->index < 0 || size == 0) return TELEM_ERR_STATE;
    need = 16u + telem_i_shm_round(len, 8u);
    if (need > size / 2u) return TELEM_ERR_LIMIT;
    ring = telem_i_shm_ring_at(rd->shm, (uint32_t)rd->index);
    bytes = (uint8_t *)ring + sizeof *ring;
    at = TELEM_LOAD64_RELAXED(&ring->written) & ~(uint64_t)7;
    read = TELEM_LOAD64_ACQUIRE(&ring->read); /* S12 */
    room = size - (at & (size - 1u));
    if (at - read > size) return TELEM_FULL; /* not what the writer would store: wait for better */
    if (need > room) { /* skip to the ring's end */
        uint32_t skip = UINT32_MAX;
        if (need + room > size - (at - read)) return TELEM_FULL;
        memcpy(bytes + (size_t)(at & (size - 1u)), &skip, 4);
        at += room;
    } else if (need > size - (at - read)) return TELEM_FULL;
    p = bytes + (size_t)(at & (size - 1u));
    head[0] = len, head[1] = type;
    memcpy(p, head, 8);
    memcpy(p + 8, &time, 8);
    if (len) memcpy(p + 16, data, len);
    memset(p + 16 + len, 0, (size_t)(need - 16u - len));
    TELEM_I_SHM_PUT64(&ring->written, at + need); /* S11 */
    return TELEM_OK;
}

static telem_result telem_i_shm_control_take(const telem_shm *s, uint32_t r, telem_shm_message *m, void *buf,
                                             size_t cap) {
    telem_i_shm_ring *ring = telem_i_shm_ring_at(s, r);
    const uint8_t *bytes = (const uint8_t *)ring + sizeof *ring, *p;
    uint64_t size = s->g.control_ring, at = TELEM_LOAD64_RELAXED(&ring->read),
             end = TELEM_LOAD64_ACQUIRE(&ring->written); /* S11 */
    uint32_t head[2];
    if (at == end) return TELEM_EMPTY;
    if (end - at > size || ((at | end) & 7u) != 0) goto broken;
    p = bytes + (size_t)(at & (size - 1u));
    memcpy(head, p, 4);
    if (head[0] == UINT32_MAX) {
        at += size - (at & (size - 1u));
        if (end - at > size || end == at) goto broken;
        p = bytes + (size_t)(at & (size - 1u));
    }
    if (end - at < 16u || size - (at & (size - 1u)) < 16u) goto broken;
    memcpy(head, p, 8);
    if (head[0] > end - at - 16u || head[0] > size - (at & (size - 1u)) - 16u) goto broken;
    m->reader = r, m->len = head[0], m->type = head[1];
    memcpy(&m->time, p + 8, 8);
    if (head[0] > cap) return TELEM_ERR_MEMORY;
    if (head[0]) memcpy(buf, p + 16, head[0]);
    TELEM_I_SHM_PUT64(&ring->read, at + 16u + telem_i_shm_round(head[0], 8u)); /* S12 */
    return TELEM_OK;
broken:
    TELEM_I_SHM_PUT64(&ring->read, end); /* S12 */
    m->reader = r, m->len = 0;
    return TELEM_ERR_CORRUPT;
}

TELEM_API telem_result telem_shm_control_read(telem_shm_writer *w, telem_shm_message *message, void *buf,
                                              size_t cap) {
    telem_i_shm_control *c;
    uint32_t who = 0, r, k;
    if (!w || !w->shm || !message || (cap && !buf)) return TELEM_ERR_ARG;
    if (w->shm->g.control_ring == 0) return TELEM_ERR_STATE;
    c = telem_i_shm_control_of(w->shm);
    if (!TELEM_CAS32(&c->consumer, &who, w->index + 1u) && who != w->index + 1u) { /* S19 */
        if (who <= w->shm->g.writers && telem_i_shm_writer_alive(w->shm, who - 1u)) return TELEM_ERR_ACCESS;
        if (!TELEM_CAS32(&c->consumer, &who, w->index + 1u)) return TELEM_AGAIN; /* S19 */
    }
    for (k = 0; k < w->shm->g.readers; k++) {
        telem_result res;
        r = (w->turn + k) % w->shm->g.readers;
        res = telem_i_shm_control_take(w->shm, r, message, buf, cap);
        if (res == TELEM_EMPTY) continue;
        w->turn = res == TELEM_ERR_MEMORY ? r : r + 1u; /* nobody keeps the others waiting */
        return res;
    }
    return TELEM_EMPTY;
}

/* >>pairs */

/* The partner of p->pending: TELEM_OK; TELEM_EMPTY: b may still bring it; TELEM_END: none. */
static telem_result telem_i_shm_partner(const telem_shm_pairs *p, telem_shm_frame *b) {
    int64_t t = p->pending.time;
    telem_shm_reader *a = p->a;
    telem_shm_frame f;
    uint64_t away;
    telem_result r;
    if (!a) return TELEM_END; /* never: init refuses it; gcc -O3 wants to know */
    if (!p->as_of && telem_shm_find(p->b, t, TELEM_SHM_AFTER, &f) != TELEM_OK) {
        uint64_t held[TELEM_SHM_INLINE_MAX / 8]; /* the pending frame's payload: latest would replace it */
        int late;
        memcpy(held, a->held, sizeof held);
        late = p->late && telem_shm_latest(a, &f) == TELEM_OK && f.time > t &&
               (uint64_t)f.time - (uint64_t)t > p->late;
        memcpy(a->held, held, sizeof held);
        if (!late) return TELEM_EMPTY;
    }
    r = telem_shm_find(p->b, t, p->as_of ? TELEM_SHM_BEFORE : TELEM_SHM_NEAREST, b);
    if (r != TELEM_OK) return TELEM_END;
    away = b->time < t ? (uint64_t)t - (uint64_t)b->time : (uint64_t)b->time - (uint64_t)t;
    return (p->as_of && p->within == 0) || away <= p->within ? TELEM_OK : TELEM_END;
}

TELEM_API telem_result telem_shm_pairs_next(telem_shm_pairs *p, telem_shm_frame *a, telem_shm_frame *b) {
    telem_result r;
    if (!p || !p->a || !p->b || !p->a->shm || !p->b->shm || !a || !b) return TELEM_ERR_ARG;
    for (;;) {
        if (!p->waits) {
            r = telem_shm_next(p->a, &p->pending);
            if (r != TELEM_OK) return r;
            p->waits = 1;
        }
        r = telem_i_shm_partner(p, b);
        if (r == TELEM_EMPTY) return r;
        p->waits = 0;
        if (r == TELEM_OK && p->pending.slot != TELEM_I_SHM_INLINE && !telem_shm_valid(p->a, &p->pending))
            r = TELEM_LAPPED;
        if (r == TELEM_OK) {
            *a = p->pending;
            return r;
        }
        p->unmatched++;
    }
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
