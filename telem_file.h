/* telem_file.h - v0.1 - typed records in a compressed stream that survives - C99 and C++11 - MIT (end of file)

   USE      In ONE .c file: #define TELEM_IMPLEMENTATION, then #include "telem_file.h".
            Needs telem.h and telem_schema.h beside it and xxhash.h (header-only use); lz4.h and
            -llz4 unless TELEM_NO_LZ4 is defined. No malloc, no stdio, no OS header of its own.

   QUICK START (examples/file_hello.c is this with a FILE and is built and compared by the tests)

       telem_file_writer w;
       telem_file_writer_desc wd = TELEM_ZERO;
       telem_file_stream_desc sd = TELEM_ZERO;
       wd.io = &io;  wd.memory = mem;  wd.memory_size = sizeof mem;
       telem_file_writer_open(&w, &wd);
       sd.id = 1;  sd.schema = &Imu_schema;
       telem_file_add_stream(&w, &sd);
       telem_file_write(&w, 1, time_ns, &imu);                     // any number of times
       telem_file_writer_close(&w);

       telem_file_reader r;
       telem_file_reader_desc rd = TELEM_ZERO;
       telem_file_item item;
       rd.io = &io;  rd.memory = mem;  rd.memory_size = sizeof mem;
       telem_file_reader_open(&r, &rd);
       while (telem_file_next(&r, &item) == TELEM_OK)
           if (item.kind == TELEM_ITEM_ROW && telem_file_get(&item, &Imu_schema, &imu) == TELEM_OK)
               use(&imu, item.time);

   GUARANTEES AND LIMITS (each with the test that proves it; tests/test_file.c unless named)
       - Every prefix of a file is valid: each whole block in it is read, the rest is reported as
         TRUNCATED with its offset.                            every_prefix_yields_its_whole_blocks
       - A flipped byte costs at most the group of blocks that it lies in; no wrong row is ever
         delivered as good, and what is missing is told by stream, row numbers and count.
                                                               no_flipped_byte_delivers_a_wrong_row
       - Bytes from outside are hostile: lengths are bounded by what remains, memory by the desc,
         work by the bytes read; no recursion.                 fuzz_file.c
       - The same rows give the same bytes on every target, compiler and byte order (LZ4 off; with
         it the bytes depend on the LZ4 version, the rows do not).   golden files, test_golden.c
       - A writer's first error sticks: later calls return it. Rows not written since are counted
         and told by a loss block after telem_file_writer_clear.     disk_full_is_counted_and_told
       - Nothing is allocated. Writer memory is telem_file_writer_bytes() plus
         telem_file_stream_bytes() per stream; reader memory is bounded by its desc.
                                                               memory_formulas_are_exact
       - One thread per writer and per reader at a time. Not for interrupt handlers: they push
         into a telem_ring, and a task drains it into the writer.
       - Reads everything this page specifies except: columns, mini and attachment blocks and the
         journal zone answer UNSUPPORTED, are skipped and counted; their rows are told as lost.
                                                               unsupported_block_is_skipped

   CONTENTS
       FORMAT      1 notation  2 stream  3 stream header  4 blocks  5 data blocks  6 rows coding
                   7 mini coding  8 columns coding  9 schema, clock  10 loss, sync, metadata,
                   annotation, attachment  11 index, end, chain  12 journal zone  13 reading
       API         writer . reader . seeking
       OPTIONS     TELEM_NO_LZ4   write without LZ4; reading an LZ4 block answers UNSUPPORTED
                   TELEM_NO_XXH3  no XXH3: disk profile's payload hash is UNSUPPORTED (for MCUs)

   =============================================================================================
   FORMAT, version 1.0
   =============================================================================================

   1 NOTATION
       u8 u16 u32 u64  unsigned, little-endian.     i64  two's complement, little-endian.
       varint   unsigned LEB128 of at most 64 bits, shortest form only (telem.h).
       svarint  zigzag of a signed 64-bit value, as varint. Sums and differences of times are
                taken modulo 2^64 and read as signed.
       str      varint n, then n bytes of UTF-8; n <= 65,535 unless said otherwise.
       align(x) x rounded up to the stream's alignment A (section 3).
       XXH32(bytes, seed), XXH3L(bytes, seed) = the low 32 bits of XXH3_64bits_withSeed.
       CORRUPT, TRUNCATED, UNSUPPORTED say what a violation MUST be answered with. A violation
       inside a block costs that block (and what depends on it, section 5), never the stream.
       "Reserved" bits and bytes are written 0; a reader answers UNSUPPORTED to anything else.

   2 STREAM
       stream := ( header | block | free )*
       free   := 0x00 or 0xFF bytes, any number, between headers and blocks: not damage (unwritten
                 flash, preallocated tails).
       A stream begins with a stream header. One with the same session id may come again at any
       place between blocks (live links announce it now and then, so that a reader can join);
       nothing changes then, and it MUST be equal byte for byte. A header with another session id
       begins a new session: all state (streams, clocks, numbers) starts afresh, so `cat a b` is a
       legal stream. Blocks carry no session id, but their checks are seeded with it: blocks of
       another session, e.g. old ones in a reused flash sector, fail their check.

   3 STREAM HEADER (104 bytes in version 1.0; all offsets from its first byte)
       off size name          meaning, valid range
         0   8  magic         89 54 4C 4D 0D 0A 1A 0A
         8   1  major         1; else UNSUPPORTED
         9   1  minor         0; newer minors only add what an older reader may ignore
        10   2  size          bytes of this header, check included: 104..4096, multiple of 8 and of
                              A, else CORRUPT; bytes from 100 to size-4 are ignored
        12   1  profile       0 disk, 1 wire; else UNSUPPORTED
        13   1  alignment     log2 of A, 0..6; else UNSUPPORTED. Usual: disk 3, wire 0
        14   1  header_hash   1 = XXH32; else UNSUPPORTED
        15   1  payload_hash  1 = XXH32, 2 = XXH3L; else UNSUPPORTED. Usual: disk 2, wire 1
        16   8  session       unique id of this writing, not 0
        24   4  incompatible  bit 0: a journal zone follows the header (12). Unknown: UNSUPPORTED
        28   4  compatible    unknown bits are ignored
        32   4  read_only     unknown bits: reading goes on, appending is refused
        36   4  max_block     largest block, header to last pad byte: 256..2^30, else CORRUPT
        40   4  max_row       largest row form (telem_schema.h) in bytes: 1..16,777,216
        44   4  max_streams   1..65,535
        48   4  max_columns   largest column count of a stream: 1..65,535
        52   4  file_number   place in a sequence of files, from 0
        56   8  max_age       nanoseconds that a row may wait in the writer; 0: not bounded. Rows
                              of different streams merge by time within this window
        64   8  sequence      id that the files of one sequence share; 0: stands alone
        72   8  previous      session id of the file before this one; 0: none
        80   8  created       POSIX time in ns, i64; 0: unknown
        88   8  journal       bytes of the journal zone (12) behind the session's first header, a
                              multiple of 8 and A; 0 when bit 0 of incompatible is 0
        96   4  reserved
       size-4 4 check         XXH32(bytes 0..size-5, 0)
       A reader refuses max_* above its own limits with LIMIT before it takes memory for them.

   4 BLOCKS
       off        size  name
         0        2|4   sync      wire: D7 54; disk: D7 54 4C 4D
         s        1     kind      bits 0-4 type; bit 5 LZ4; bit 6 KEY (data blocks only, else
                                  reserved); bit 7 SKIP: a reader that does not know the type
                                  says nothing (else it reports UNSUPPORTED and goes on)
         s+1      1     n         bytes of fields
         s+2      n     fields    varint seq, varint len, then the type's own; a reader ignores
                                  what a later minor appends
         s+2+n    2|4   check     H = XXH32(all bytes before, S), S = XXH32(session as u64, 0);
                                  disk stores H, wire its low 16 bits
                        pad       0 bytes up to align(size so far)
                  len   payload
                  4     check     hash of the payload (payload_hash) seeded with H (all 32 bits)
                        pad       0 bytes up to align(size so far)
       seq counts the session's blocks from 0. A seq not above the highest seen is a repeat: the
       block is ignored. A gap is told (what was in it besides rows is unknown), but for the blocks
       before the first one that a reader of a wire sees. The block's size must not exceed max_block, else
       CORRUPT. A wrong header check is damage: the search for the next sync goes on one byte
       later. Behind a good header check, a wrong payload check or a violation in the fields costs
       the block; the search goes on behind the header, since bytes may be missing and the next
       block lie inside. A block cut by the end of the stream, its pad included: TRUNCATED. Bytes
       left over in fields or in payloads other than data blocks are a later minor's: ignored. Pad bytes other than 0 are damage
       (CORRUPT) but cost no rows.
       LZ4 (types 1, 2, 3, 4, 9): the payload is varint raw_size (1..max_block), then one LZ4
       block that expands to exactly raw_size bytes; the payload described below is the expanded
       one. A reader without LZ4 answers UNSUPPORTED for the block.

       types: 1 schema  2 rows  3 columns  4 mini  5 loss  6 clock sync  7 metadata  8 annotation
              9 attachment  10 clock  11 index  12 end  13 chain

   5 DATA BLOCKS (types 2, 3, 4): fields behind seq and len
       varint stream      id, below 2^32 - 1
       varint rows        1..1,048,576
       varint flags       bit 0 TIMES, bit 1 DISORDER, bit 2 ALL_PRESENT; others reserved
       KEY:      u16 tag              low 16 bits of the fingerprint of the stream's schema
                 varint first_row     number of the block's first row in the stream
                 svarint base_time    time of the block's first row
       else:     varint distance      seq of this block minus seq of its KEY block, 1 or more
                 varint row_offset    first_row minus the KEY block's first_row
       [TIMES]   not KEY: svarint     time of the first row minus the KEY block's base_time
                 DISORDER clear (times never decrease in the block): varint last - first
                 DISORDER set: varint first - min, varint max - first
       A KEY block decodes alone. Any other continues the state that the block before it of the
       same stream left: it decodes only when that block was decoded, has the same KEY block and
       type, and ended one row before this one begins. Else its rows are lost, and so on to the
       next KEY block. Its row numbers are known when its KEY block's header was seen.
       A tag that is not that of the stream's schema, or a stream without a schema: CORRUPT, and
       the rows are undecodable (lost, counted), never guessed.
       Rows before a violation in a payload stand; those from it on are lost. Bytes left over
       behind the last row are CORRUPT, and the state is not continued. TIMES are hints for
       seeking; a reader need not compare them with the rows.
       Row numbers count from the start_row of the schema block and have no holes: a gap between
       blocks is an exact count of lost rows; a first_row below the expected one (one past the
       last row delivered or told as missing) is a repeat: the block is ignored. first_row + rows
       above 2^64: CORRUPT.
       Times are ticks of the stream's clock (section 9).
       A wire KEY block costs 33 bytes of frame at most for row numbers below 2^28; another block
       without TIMES at most 20 for seq below 2^21, rows and row_offset below 2^14 together.

   6 ROWS CODING (type 2)
       State per stream: the last row in row form (P), its time (t), the last time step (d).
       At a KEY block: P = all zero bytes, d = 0, and the first row's predicted time is base_time.
       Otherwise the predicted time is t + d. Columns are those of telem_schema.h in order,
       presence columns included; with ALL_PRESENT every optional field of every row is present,
       presence columns are left out of the numbering and stand at 1 in P.
       A column is absent when a presence column that covers it is 0 in the row being decoded:
       it is not coded, its bytes in P stay, and it is delivered as zero bytes.

       payload := token*   until `rows` rows are there; bytes left over: CORRUPT
       token   := varint h:
         h & 3 = 0   a row; time = predicted + unzigzag(h >> 2); then groups
         h & 3 = 1   a row in which no column changed; time = predicted + unzigzag(h >> 2)
         h & 3 = 2   h >> 2 rows (1 or more, not above the rows left) in which no column changed,
                     each at its predicted time
         h & 3 = 3   h >> 2 must be 0, else reserved; then svarint z, time = predicted + z; then
                     groups (for residuals that need more than 62 bits)
       The first row of a KEY block has time residual 0 and leaves d = 0; every other row sets
       d = its time - t. "No column changed" includes that each present COUNTER column is one more
       than in P (modulo its width).
       groups  := the columns eight by eight, the last group may be shorter. For each group a
                  u8 mask, bit i = column i of the group is coded. mask 0: a varint z follows and
                  the next z groups are unchanged too. Bits beyond the last column: CORRUPT. A
                  coded column that is absent: CORRUPT. With no columns, groups are empty.
                  mask not 0: tags, then values.
       tags    := a nibble for each coded column that is a number (types U8..BITS32 of
                  telem_schema.h, not BOOL, not text), in order, low nibble first; an odd number
                  leaves the last high nibble 0 (else CORRUPT)
       values  := for each coded column in order
         BOOL, presence      nothing: the value is 1 - P
         integers of w bits (U I ENUM BITS): pred = P, or P + 1 for COUNTER columns.
                             COUNTER acts on U8..I64, elsewhere it has no effect.
                             r = zigzag of (value - pred) taken as a signed w-bit number.
                             tag 8..15: r = tag - 7, no bytes.
                             tag 0..7: r in tag + 1 bytes, little-endian; more than w/8: CORRUPT;
                             r >= 2^w cannot then occur
         floats of k bytes (F16 BF16 F32 F64): x = bits XOR bits of P.
                             tag 0..7: the low tag + 1 bytes of x, the others are 0.
                             tag 8..15: the high tag - 7 bytes of x (low byte first), the others
                             are 0. More than k bytes: CORRUPT
         CHARS, BYTES        varint p, varint n, n bytes: the first p bytes of P, then these, then
                             zeros. p + n above the field's size: CORRUPT
         STRING, BLOB        varint p, varint n, n bytes: the first p bytes of the value in P, then
                             these; the length is p + n. p above the length in P, p + n above the
                             field's size: CORRUPT
       What an encoder chooses so that equal rows give equal bytes: a column is coded exactly when
       it differs from its prediction; the shorter of the two float forms, the low one when equal;
       tags 8..15 for integers when r is 1..8, else the fewest bytes; the longest p, and no zeros at the end of CHARS and BYTES; token 2 for
       every run of rows that it can express, and never token 0 for a row without a change. A zero mask run is as long as possible.
       A decoder need not check the choice.

   7 MINI CODING (type 4): 1 to 32 rows, column by column, for small machines
       Columns: column 0 is the time, then the schema's columns (presence included unless
       ALL_PRESENT). State per column: the last value (v, 64 bits) and the last difference (e, 32
       bits, signed). KEY: all zero, and the time's v is base_time.
       payload := mask groups over the columns as in section 6 (u8 mask, 0 followed by a varint of
       further empty groups), each group's coded columns as items behind its mask.
       A column without an item is idle: every row repeats v (a COUNTER steps by one; the time
       advances by e).
       item := u8 head, data. head bits 0-6: width b, 0..64; bit 7: linear.
         Numbers (also BOOL and presence, as 0 or 1): `rows` residuals of b bits each, packed from
         the lowest bit of the first byte on, the last byte filled with 0 bits. The value is
         pred + unzigzag(residual) modulo the column's width; pred = v, or v + e with `linear`;
         after each row e = value - v (cut to 32 bits), v = value. COUNTER: pred = v + 1.
         Floats are coded as integers: F16 BF16 F32 F64 by the order-preserving map
         m(x) = x has its sign bit ? ~x : x with the sign bit set, over their bits; or, when the
         schema declares 9 decimals at most for an F32 field and bits 0-6 say 65 to 127 (b is that
         minus 65), as k with value = (float)k / (float)10^decimals; v is then k. The mode of a
         column does not change from a KEY block to the next.
         Text: b = 0; then for each row the form of section 6 (p, n, bytes) against the row before.

   8 COLUMNS CODING (type 3): the container. Its codecs are numbered here as they are specified.
       payload := u8 1, varint distinct (rows left after row repeat, 1..rows), directory, data.
       Columns: 0 the run lengths (u32: further rows equal to each distinct row, their time and
       COUNTERs stepping as in section 6; not coded when distinct = rows), 1 the time (i64), then the schema's columns (presence included unless ALL_PRESENT).
       directory := mask groups as in section 6 over these columns; behind each mask, for each
       coded column: u8 codec (bit 7: bounds follow), varint length, [u8 lo, u8 hi]. Bounds are the
       column's smallest and largest present value, rounded outward: the high byte of the
       order-preserving map m of its bits (integers: of value XOR the sign bit).
       data := the columns' bytes one behind the other; codec 0 begins at the next multiple of A
       from the payload's start (zero bytes before it).
       A column without an item repeats the last value of the state that the block before left
       (KEY: zero); the time without an item advances by the last step.
         codec 0 raw        distinct elements in row form order, little-endian
         codec 1 constant   one element
       Any other codec: UNSUPPORTED for that column only.

   9 SCHEMA (type 1) and CLOCK (type 10)
       schema fields: varint stream. payload:
         varint clock       id of the clock of the stream's times
         varint start_row   number of the stream's first row in this session
         str name           of the stream, 1..255 bytes; unique in the session
         str encoding       "": telem_schema.h's; else the name of a foreign one (protobuf, cdr...)
         u64 fingerprint    of the schema
         varint n, n bytes  the schema's encoding, n <= 1,048,576
         [foreign]          varint size: the stream has one column, a BLOB of at most `size` bytes
                            named "data", and its fingerprint is XXH32 of the n bytes with the seeds
                            of telem_schema.h
       A fingerprint that is not that of the bytes: CORRUPT. A stream id is never used for a second
       schema in a session: the same again is a repeat, another is CORRUPT (the first one stays).
       clock payload: varint id, varint hz_num (1..), varint hz_den (1..2^32-1), u8 bits (1..64),
         u8 domain (0 boot, 1 UTC, 2 TAI, 3 user), str name. The same id again must be equal.
         An undeclared clock counts nanoseconds, domain boot.

   10 LOSS (5), CLOCK SYNC (6), METADATA (7), ANNOTATION (8), ATTACHMENT (9): payloads
       "ref" is a varint: 0 all or unknown, else stream id + 1.
       loss: varint hop   0 producer, 1 ring refused, 2 ring overwritten, 3 file writer, 4 link,
                          5 shared memory; 16 and up: the application's
             u8 cause     0 unknown, 1 full, 2 overwritten, 3 io error, 4 damaged, 5 undecodable,
                          6 expelled, 7 aborted
             u8 flags     bit 0 at least (else exact), bit 1 the time span follows; else reserved
             ref stream, varint count, varint total (of this hop and stream in the session, this
             count included: a doubled or missing loss block neither doubles nor hides a loss;
             rows lost by hop 3 had row numbers, so they show as a gap too and count once),
             [bit 1] varint clock, svarint first, varint last - first; str text
       sync: varint clock_a, svarint ticks_a, varint clock_b, svarint ticks_b, varint uncertainty
             (ticks of b, +-), u8 flags (bit 0: b was stepped since the pair before). The map
             between two pairs is linear; outside, the nearest pair and nominal rates hold.
       metadata: entries to the end of the payload: ref stream, str key (1..255 bytes), u8 type,
             value: 1 text (str), 2 integer (svarint), 3 f64 (8 bytes), 4 bytes (as str), 5 bool
             (u8 0/1). A later value replaces an earlier one. Another type ends the block
             (UNSUPPORTED).
       annotation: ref stream, varint clock, u8 level (0 debug, 1 info, 2 warning, 3 error,
             4 fatal), svarint time, varint duration (0: a moment), str text.
       attachment: varint id, u8 flags (bit 0 first chunk, bit 1 last chunk), varint offset;
             [first] str name, str media type, varint total + 1 (0: unknown), below 2^63;
             varint n, n bytes; [last] u64 hash: XXH32 of all bytes with seeds as a fingerprint.
             A field refers to an attachment by its id.

   11 INDEX (11), END (12), CHAIN (13)
       Distances count bytes back from the first byte of the block that holds them; 0: none. They
       are a cache: a reader verifies the block it lands on and can do without.
       index fields: varint level (1..8). payload:
         varint previous    to the index block before of the same level
         varint up          to the latest index block of level + 1
         varint count, then `count` entries in the order of the stream:
           level 1: every block since the level-1 index before, index blocks left out: u8 kind
             (as in the block), varint distance, and for data blocks varint stream, varint
             first_row, varint rows, svarint min time, varint max - min
           level k: varint distance to each level k-1 index since the level-k one before (64 in
             all, as a rule)
         varint streams, then for each stream with data blocks among those covered by this index:
           varint stream, varint distance to its schema block, varint next_row (start_row + rows so
           far in the session), varint rows covered, svarint min time, varint max - min of these
       After a level-1 index the next block that a stream begins is KEY, so that the KEY block of a
       group lies in the same level-1 span or the one before.
       end payload: varint distance to the latest level-1 index, varint blocks (seq of this one),
         varint streams, then for each stream of the session: varint stream, varint distance to its
         schema block, varint next_row. Nothing but free space, a new session's header, or what a
         later append writes comes behind it.
       chain payload: varint streams, each varint stream, varint next_row of the file before.

   12 JOURNAL ZONE (disk): `journal` bytes directly behind the stream header
       zone := header (64 bytes), slots. header: u32 magic 314A4C54 ("TLJ1"), u16 layout 1, u16
       slots (2..64), u64 session, u32 slot_bytes (multiple of 64), u32 state (0 closed: the zone
       is empty; 1 in use), 36 bytes reserved, u32 check XXH32 of bytes 0..19 seeded with S.
       slot := u32 committed (bytes of rows in it, stored last), u32 generation, u64 seal (seq of
       the block that will hold its rows), 48 bytes reserved, rows to slot_bytes.
       row := u64 number, i64 time, u32 stream, u32 n, n bytes of row form, zero bytes up to a
       multiple of 4, u32 XXH32 of all before seeded with S XOR the low 32 bits of number, zero
       bytes up to a multiple of 8. A journal row counts only when its number is beyond the
       sealed rows of its stream.

   13 READING (what every reader owes)
       Nothing is delivered that did not pass header check, payload check and every range above.
       Whatever is skipped is reported: the bytes (offset, count) and the rows (stream, first
       number, count, exact or at least). Rows that are known missing and not delivered later are
       counted once. At the end a reader says whether an end block was seen. */

#include "telem.h"
#include "telem_schema.h"

#ifndef TELEM_FILE_H
#define TELEM_FILE_H

#define TELEM_FILE_FORMAT 1 /* major version of the stream format, apart from the library's */
#define TELEM_FILE_FORMAT_MINOR 0

/* ------------------------------------------------------------------------- shared by both ---- */

typedef enum telem_file_profile { TELEM_FILE_DISK = 0, TELEM_FILE_WIRE = 1 } telem_file_profile;

typedef enum telem_block_type {
    TELEM_BLOCK_SCHEMA = 1,
    TELEM_BLOCK_ROWS = 2,
    TELEM_BLOCK_COLUMNS = 3,
    TELEM_BLOCK_MINI = 4,
    TELEM_BLOCK_LOSS = 5,
    TELEM_BLOCK_SYNC = 6,
    TELEM_BLOCK_METADATA = 7,
    TELEM_BLOCK_ANNOTATION = 8,
    TELEM_BLOCK_ATTACHMENT = 9,
    TELEM_BLOCK_CLOCK = 10,
    TELEM_BLOCK_INDEX = 11,
    TELEM_BLOCK_END = 12,
    TELEM_BLOCK_CHAIN = 13
} telem_block_type;

/* Where rows were lost, and why (wire values, section 10). */
#define TELEM_HOP_PRODUCER 0u
#define TELEM_HOP_RING_REFUSED 1u
#define TELEM_HOP_RING_OVERWRITTEN 2u
#define TELEM_HOP_WRITER 3u
#define TELEM_HOP_LINK 4u
#define TELEM_HOP_SHM 5u
#define TELEM_HOP_USER 16u

#define TELEM_CAUSE_UNKNOWN 0u
#define TELEM_CAUSE_FULL 1u
#define TELEM_CAUSE_OVERWRITTEN 2u
#define TELEM_CAUSE_IO 3u
#define TELEM_CAUSE_DAMAGED 4u
#define TELEM_CAUSE_UNDECODABLE 5u
#define TELEM_CAUSE_EXPELLED 6u
#define TELEM_CAUSE_ABORTED 7u

#define TELEM_ALL_STREAMS UINT32_MAX /* a loss, annotation or metadata entry for all / unknown */

/* A loss as it stands in the file. */
typedef struct telem_loss {
    uint32_t stream; /* or TELEM_ALL_STREAMS */
    uint32_t hop;    /* TELEM_HOP_ */
    uint8_t cause;   /* TELEM_CAUSE_ */
    uint8_t at_least; /* 1: count is a lower bound */
    uint8_t has_span; /* 1: first and last are known */
    uint32_t clock;   /* id of the clock of first and last */
    uint64_t count;   /* records lost since the last report of this hop and stream */
    uint64_t total;   /* of the session; the writer keeps it (ignored on writing) */
    int64_t first, last;
    const char *text; /* "" or words for people; not NUL-terminated when read: see text_len */
    uint32_t text_len; /* bytes; writing: 0 takes strlen */
} telem_loss;

/* A moment seen on two clocks. */
typedef struct telem_sync {
    uint32_t clock_a, clock_b;
    int64_t ticks_a, ticks_b;
    uint64_t uncertainty; /* +- ticks of b */
    uint8_t step;         /* 1: b was set since the pair before */
} telem_sync;

typedef enum telem_level {
    TELEM_LEVEL_DEBUG = 0,
    TELEM_LEVEL_INFO = 1,
    TELEM_LEVEL_WARNING = 2,
    TELEM_LEVEL_ERROR = 3,
    TELEM_LEVEL_FATAL = 4
} telem_level;

typedef struct telem_annotation {
    uint32_t stream; /* or TELEM_ALL_STREAMS */
    uint32_t clock;
    uint8_t level; /* telem_level */
    int64_t time;
    uint64_t duration; /* ticks; 0: a moment */
    const char *text;
    uint32_t text_len; /* writing: 0 takes strlen */
} telem_annotation;

typedef enum telem_value_type {
    TELEM_VALUE_TEXT = 1,
    TELEM_VALUE_INT = 2,
    TELEM_VALUE_F64 = 3,
    TELEM_VALUE_BYTES = 4,
    TELEM_VALUE_BOOL = 5
} telem_value_type;

typedef struct telem_metadata {
    uint32_t stream; /* or TELEM_ALL_STREAMS */
    uint8_t type;    /* telem_value_type */
    const char *key;
    uint32_t key_len; /* writing: 0 takes strlen */
    int64_t i;        /* INT, BOOL */
    double f;         /* F64 */
    const void *data; /* TEXT, BYTES */
    uint32_t size;    /* bytes; writing TEXT: 0 takes strlen */
} telem_metadata;

/* ------------------------------------------------------------------------------- writer ---- */

/* Zero fields mean the default. Unless said otherwise nothing is kept of the desc after open but
   io, memory and what io points to. */
typedef struct telem_file_writer_desc {
    telem_io *io;        /* write is needed; sync is used when there; must outlive the writer */
    void *memory;        /* 8-aligned */
    size_t memory_size;  /* telem_file_writer_bytes() + the sum of telem_file_stream_bytes() */
    uint64_t session;    /* unique id; 0: made from the system's clocks (an MCU must give one) */
    uint64_t sequence, previous; /* several files as one: see section 3; 0: stands alone */
    uint32_t file_number;
    int64_t created;     /* POSIX ns; 0: unknown */
    uint8_t profile;     /* TELEM_FILE_DISK, TELEM_FILE_WIRE */
    uint8_t lz4;         /* 1: LZ4 over a rows block where it saves 5 % or more */
    uint8_t no_index;    /* 1: no index blocks (wire: never any) */
    uint32_t max_streams; /* 0: disk 256, wire 8 */
    uint32_t max_row;    /* largest row form, bytes; 0: disk 128 KiB, wire 1,024 */
    uint32_t max_block;  /* largest block, bytes; 0: disk 512 KiB, wire 4,096 */
    uint32_t block_bytes; /* coded bytes at which a stream's block is closed; 0: disk 65,536, wire 512 */
    uint32_t block_rows; /* rows at which it is closed; 0: 65,536 */
    uint32_t key_bytes;  /* coded bytes in a group of blocks from one KEY to the next; 0: disk
                            65,536, wire 8,192 */
    uint32_t key_rows;   /* a group has at least so many rows before key_bytes ends it; 0: disk
                            256, wire 1 */
    uint64_t key_ns;     /* a KEY at least so often; 0: disk never by time, wire 5 s */
    uint64_t max_age_ns; /* a row waits no longer (seen at the stream's next row and at poll);
                            0: disk 1 s, wire 100 ms */
    uint64_t announce_ns; /* wire: stream header, clocks and schemas again so often; 0: 5 s */
    uint32_t index_blocks; /* blocks between level-1 index blocks; 0: 256 */
} telem_file_writer_desc;

typedef struct telem_file_stream_desc {
    uint32_t id;         /* any number below 2^32 - 1, once per session */
    uint32_t clock;      /* id given to telem_file_add_clock; 0 without one: ns, domain boot */
    const char *name;    /* NULL: the schema's name. Unique in the session */
    const telem_schema *schema; /* must outlive the writer */
    uint32_t block_bytes; /* 0: the writer's */
    uint64_t start_row;  /* number of the first row (a sequence of files counts on) */
} telem_file_stream_desc;

typedef struct telem_file_writer_stats {
    uint64_t rows, blocks, bytes; /* taken, written, written to io */
    uint64_t lost;                /* rows refused or thrown away after an io error */
} telem_file_writer_stats;

typedef struct telem_file_writer telem_file_writer;

/* Bytes of memory for a writer of this desc without streams, and for one stream more. */
TELEM_API size_t telem_file_writer_bytes(const telem_file_writer_desc *d);
TELEM_API size_t telem_file_stream_bytes(const telem_file_writer_desc *d, const telem_file_stream_desc *s);

/* Writes the stream header. ERR_ARG, ERR_MEMORY, or what io answers. */
TELEM_API telem_result telem_file_writer_open(telem_file_writer *w, const telem_file_writer_desc *d);
/* Before the streams that use it. ERR_EXISTS when the id was given another clock. `name` (NULL:
   "") must outlive the writer. */
TELEM_API telem_result telem_file_add_clock(telem_file_writer *w, uint32_t id, const telem_clock *clock, const char *name);
/* ERR_EXISTS (id or name), ERR_LIMIT (row above max_row, or above what a block holds), ERR_MEMORY,
   ERR_ARG (a schema that telem_schema_check refuses). */
TELEM_API telem_result telem_file_add_stream(telem_file_writer *w, const telem_file_stream_desc *s);

/* One record: a C struct as the stream's schema describes it, or its row form (pack / write_row).
   `time` in ticks of the stream's clock. ERR_NOT_FOUND for an unknown id; ERR_RANGE for a string
   longer than its field (nothing is written). Cost: one pass over the row; closing a block adds
   one hash and one io write. */
TELEM_API telem_result telem_file_write(telem_file_writer *w, uint32_t stream, int64_t time, const void *rec);
TELEM_API telem_result telem_file_write_row(telem_file_writer *w, uint32_t stream, int64_t time, const void *row);

TELEM_API telem_result telem_file_write_loss(telem_file_writer *w, const telem_loss *loss);
TELEM_API telem_result telem_file_write_sync(telem_file_writer *w, const telem_sync *sync);
TELEM_API telem_result telem_file_write_metadata(telem_file_writer *w, const telem_metadata *m);
TELEM_API telem_result telem_file_annotate(telem_file_writer *w, const telem_annotation *a);

/* Closes blocks older than max_age and announces when due: call it now and then when rows are
   rare. `now` in ticks of clock `clock`. */
TELEM_API telem_result telem_file_writer_poll(telem_file_writer *w, uint32_t clock, int64_t now);
/* Closes all open blocks: every row so far is with the io. */
TELEM_API telem_result telem_file_writer_flush(telem_file_writer *w);
/* flush, then the io's sync. */
TELEM_API telem_result telem_file_writer_sync(telem_file_writer *w);
/* flush, last index, end block. Returns the first error of all, also one that stuck before. */
TELEM_API telem_result telem_file_writer_close(telem_file_writer *w);

/* The first error, with the offset in the stream at which it hit; code TELEM_OK: none. */
TELEM_API telem_error telem_file_writer_error(const telem_file_writer *w);
/* After the cause is mended (space freed): the rows lost since are told by loss blocks, every
   stream goes on with a KEY block. */
TELEM_API telem_result telem_file_writer_clear(telem_file_writer *w);
TELEM_API telem_file_writer_stats telem_file_writer_get_stats(const telem_file_writer *w);
/* The same of one stream; all zero when unknown. */
TELEM_API telem_file_writer_stats telem_file_stream_get_stats(const telem_file_writer *w, uint32_t stream);

/* ------------------------------------------------------------------------------- reader ---- */

typedef struct telem_file_reader_desc {
    telem_io *io;       /* read is needed; without seek (a pipe) reading goes forward only */
    void *memory;       /* 8-aligned; holds one block, LZ4's expansion of it, schemas and two rows
                           per stream: about 2 x max_block of the stream + 1 MiB is ample */
    size_t memory_size;
    uint32_t max_block; /* refuse streams with larger blocks; 0: what memory allows */
    uint32_t max_row;   /* 0: what memory allows */
    uint32_t max_streams; /* 0: what memory allows */
} telem_file_reader_desc;

/* A stream as the reader knows it. Valid until the session ends. */
typedef struct telem_file_stream {
    uint32_t id;
    uint32_t clock_id;
    telem_clock clock;   /* read is NULL */
    const char *clock_name;
    const char *name;
    const char *encoding; /* "": telem */
    const telem_schema *schema; /* offsets of a struct by natural alignment; foreign: one BLOB */
    uint64_t fingerprint;
    uint32_t row_size;   /* row form, bytes */
    uint64_t start_row;
    uint64_t rows;       /* delivered so far */
    uint64_t lost;       /* known missing so far (damage; not the loss blocks of other hops) */
    uint64_t bytes;      /* of data blocks read so far, frame included */
    const void *bound;   /* internal: the schema that telem_file_get matched last */
} telem_file_stream;

/* The stream header. */
typedef struct telem_file_session {
    uint64_t id, sequence, previous;
    uint32_t file_number;
    int64_t created;
    uint8_t major, minor, profile;
    uint32_t max_block, max_row, max_streams;
    uint64_t max_age_ns;
} telem_file_session;

typedef enum telem_item_kind {
    TELEM_ITEM_SESSION = 1, /* a stream header with a new session id */
    TELEM_ITEM_STREAM,      /* a schema block told of a new stream */
    TELEM_ITEM_CLOCK,       /* a clock block (`clock_id`) */
    TELEM_ITEM_ROW,
    TELEM_ITEM_LOSS,        /* a loss block: records lost before they reached the file */
    TELEM_ITEM_SYNC,
    TELEM_ITEM_METADATA,
    TELEM_ITEM_ANNOTATION,
    TELEM_ITEM_MISSING,     /* rows known to be missing from the file: stream, row, count */
    TELEM_ITEM_DAMAGE,      /* bytes skipped: error {code, offset, what}, bytes */
    TELEM_ITEM_END          /* an end block: this session was closed cleanly */
} telem_item_kind;

typedef struct telem_file_item {
    telem_item_kind kind;
    uint64_t offset;               /* of the block in the stream */
    telem_file_stream *stream;     /* STREAM, ROW, MISSING; else NULL */
    uint64_t row;                  /* ROW: its number; MISSING: the first number */
    uint64_t count;                /* MISSING: rows */
    uint8_t at_least;              /* MISSING: count is a lower bound */
    uint8_t has_span;              /* MISSING: first, last are known */
    int64_t time;                  /* ROW, in ticks of stream->clock */
    int64_t first, last;           /* MISSING */
    const uint8_t *data;           /* ROW: row form, stream->row_size bytes, until the next call */
    uint64_t bytes;                /* DAMAGE: how many were skipped */
    telem_error error;             /* DAMAGE, MISSING: CORRUPT, TRUNCATED or UNSUPPORTED, where, what */
    uint32_t clock_id;             /* CLOCK */
    telem_loss loss;               /* texts point into the block: valid until the next call */
    telem_sync sync;
    telem_metadata metadata;
    telem_annotation annotation;
} telem_file_item;

typedef struct telem_file_reader telem_file_reader;

/* Reads up to the first stream header. ERR_CORRUPT: no telem stream; ERR_UNSUPPORTED: a newer
   major version or unknown incompatible flag; ERR_LIMIT: above the desc's limits; ERR_MEMORY;
   ERR_TRUNCATED: empty or cut inside the header. telem_file_reader_error tells where and what. */
TELEM_API telem_result telem_file_reader_open(telem_file_reader *r, const telem_file_reader_desc *d);
/* The next thing in the order of the stream. TELEM_OK; TELEM_END (the end of the io; not sticky
   when the io may grow: call again later); TELEM_AGAIN (the io has nothing now); an io's error.
   Damage is never an error here: it comes as items, and reading goes on behind it. */
TELEM_API telem_result telem_file_next(telem_file_reader *r, telem_file_item *item);
/* A ROW item as the C struct of `schema` (the caller's own): ERR_MISMATCH when its fingerprint is
   not the stream's. */
TELEM_API telem_result telem_file_get(const telem_file_item *item, const telem_schema *schema, void *rec);
/* Says that the io's end is final: reports an unfinished block at the end as TRUNCATED damage, and
   rows known to be missing there. Call after TELEM_END; then telem_file_next yields these items
   and TELEM_END. */
TELEM_API telem_result telem_file_reader_finish(telem_file_reader *r);
TELEM_API telem_error telem_file_reader_error(const telem_file_reader *r);
TELEM_API const telem_file_session *telem_file_reader_session(const telem_file_reader *r);
TELEM_API uint32_t telem_file_reader_stream_count(const telem_file_reader *r);
TELEM_API telem_file_stream *telem_file_reader_stream(telem_file_reader *r, uint32_t index); /* by order of appearance; NULL */
TELEM_API telem_file_stream *telem_file_reader_find(telem_file_reader *r, const char *name);  /* NULL */
/* Clean end of the current session seen? */
TELEM_API int telem_file_reader_ended(const telem_file_reader *r);

/* Needs an io that seeks. Positions so that the next ROW item of `stream` is row number `row`, or
   the first one at or after it that can be read. Rows of other streams from around there come
   too. Uses the index when there is one, else reads headers from the start. ERR_NOT_FOUND: no
   such row (beyond the end). ERR_UNSUPPORTED: a pipe. The streams' rows, lost and bytes counts
   restart at 0. */
TELEM_API telem_result telem_file_seek_row(telem_file_reader *r, telem_file_stream *stream, uint64_t row);
/* The same by time: the first row of `stream` with time >= `time`, exact when its times do not
   decrease. */
TELEM_API telem_result telem_file_seek_time(telem_file_reader *r, telem_file_stream *stream, int64_t time);
/* Learns all streams and, through the index, their row counts and time spans without decoding rows
   (a file with neither index nor end block is scanned header by header); then stands at the start
   again. Fills `totals`, one per stream in order of appearance, at most `cap`; returns how many
   streams there are, or a code. */
typedef struct telem_file_totals {
    uint64_t rows; /* in the file */
    int64_t first, last; /* time span; first > last: none */
} telem_file_totals;
TELEM_API int64_t telem_file_reader_scan(telem_file_reader *r, telem_file_totals *totals, uint32_t cap);
