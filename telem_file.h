/* telem_file.h - v0.1 - typed records in a compressed stream that survives - C99 and C++11 - MIT (end of file)

   USE      In ONE .c file: #define TELEM_IMPLEMENTATION, then #include "telem_file.h".
            Needs telem.h and telem_schema.h beside it and xxhash.h (header-only use); lz4.h and
            -llz4 unless TELEM_NO_LZ4 is defined. Of libc: memcpy memmove memset memcmp strlen.
            No malloc, no stdio, no OS header of its own.

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
         delivered as good, and what is missing is told by stream, row numbers and count. Two
         things stand only once in a file on disk: damage in a stream's schema block costs that
         stream's rows, in the stream header the file (on a wire both are repeated).
                                                               no_flipped_byte_delivers_a_wrong_row
       - Bytes from outside are hostile: lengths are bounded by what remains, memory by the desc,
         work by the bytes read and rows delivered (a repeated row costs a few bits; a forged
         header costs the hash of one block); no recursion.    fuzz_file.c
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
       block lie inside. On a wire the numbers of such a header (seq, rows) are not believed, since
       its check has 16 bits only: the next good ones tell what is missing. A block cut by the end
       of the stream, its pad included: TRUNCATED. Bytes left over in fields or in payloads other
       than data blocks are a later minor's: ignored. Pad bytes other than 0 are damage (CORRUPT)
       but cost no rows; the search goes on at the first of them that may begin a sync or a header
       (the block before was cut in its pad, and more was appended).
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
                             Only U8..I64 may be COUNTERs (telem_schema.h).
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
       bits, signed). KEY: the bits of all values and e are zero; the time's v is base_time.
       payload := mask groups over the columns as in section 6 (u8 mask, 0 followed by a varint of
       further empty groups), each group's coded columns as items behind its mask.
       A column without an item is idle: every row repeats v (a COUNTER steps by one; the time
       advances by e, which stays; else e is 0 afterwards, of a COUNTER 1).
       item := u8 head, data. head bits 0-6: width b, 0..64; bit 7: linear.
         Numbers (also BOOL and presence, as 0 or 1): `rows` residuals of b bits each, packed from
         the lowest bit of the first byte on, the last byte filled with 0 bits. The value is
         pred + unzigzag(residual) modulo the column's width; pred = v, or v + e with `linear`;
         after each row e = value - v (cut to 32 bits), v = value. COUNTER without `linear`:
         pred = v + 1. More than 32 rows, bits left over that are not 0, bytes left over: CORRUPT.
         Values of absent fields are coded like any other (0 residuals cost least).
         Floats are coded as integers: F16 BF16 F32 F64 by the order-preserving map
         m(x) = x has its sign bit ? ~x : x with the sign bit set, over their bits; or, when the
         schema declares 9 decimals at most for an F32 field and bits 0-6 say 65 to 127 (b is that
         minus 65), as k with value = (float)k / (float)10^decimals; v is then k. The mode of a
         column does not change from a KEY block to the next.
         Text: b = 0; then for each row the form of section 6 (p, n, bytes) against the row before,
         absent or not.

   8 COLUMNS CODING (type 3): the container. Its codecs are numbered here as they are specified.
       payload := u8 1, varint distinct (rows left after row repeat, 1..rows), directory, data.
       Columns: 0 the run lengths (u32: further rows equal to each distinct row, their time and
       COUNTERs stepping as in section 6; not coded when distinct = rows; distinct plus their sum
       other than rows: CORRUPT), 1 the time (i64), then the schema's columns (presence included
       unless ALL_PRESENT; elements of absent fields are stored, as zero).
       directory := mask groups as in section 6 over these columns; behind each mask, for each
       coded column: u8 codec (bit 7: bounds follow), varint length, [u8 lo, u8 hi]. Bounds are the
       column's smallest and largest present value, rounded outward: the high byte of the
       order-preserving map m of its bits (integers: of value XOR the sign bit).
       data := the columns' bytes one behind the other; each column of codec 0 begins at the next
       multiple of A from the payload's start (zero bytes before it, not counted in its length).
       A column without an item repeats the last value of the state that the block before left
       (KEY: zero); the time without an item advances by the last step.
         codec 0 raw        distinct elements in row form order, little-endian
         codec 1 constant   one element
       Any other codec: UNSUPPORTED for that column only.

   9 SCHEMA (type 1) and CLOCK (type 10)
       schema fields: varint stream. payload:
         varint clock       id of the clock of the stream's times
         varint start_row   number of the stream's first row in this session; 0 in a file that
                            stands alone (sequence 0), as a rule
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

#define TELEM_ALL_STREAMS UINT32_MAX /* a loss, annotation or metadata entry for all / unknown; equals
                                        TELEM_RING_MANY, so a ring's answer can be passed on */

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
    telem_io *io;        /* write is needed and must block (TELEM_AGAIN is an error here); sync is
                            used when there; must outlive the writer */
    void *memory;        /* 8-aligned */
    size_t memory_size;  /* telem_file_writer_bytes() + the sum of telem_file_stream_bytes() */
    uint64_t session;    /* unique id, another at each start: blocks that repeat numbers of the same
                            session are ignored. 0: made from the system's clocks; an MCU must give
                            one, e.g. a boot counter and a serial number */
    uint64_t sequence, previous; /* several files as one: see section 3; 0: stands alone */
    uint32_t file_number;
    int64_t created;     /* POSIX ns; 0: unknown, or now when session is 0 too */
    uint8_t profile;     /* TELEM_FILE_DISK, TELEM_FILE_WIRE */
    uint8_t lz4;         /* 1: LZ4 over a rows block where it saves 5 % or more */
    uint8_t no_index;    /* 1: no index blocks (none either on a wire, nor when max_block is below
                            55 bytes per stream + 1 KiB) */
    uint32_t max_streams; /* 0: disk 256, wire 8 */
    uint32_t max_row;    /* largest row form, bytes; 0: disk 128 KiB, wire 1,024 */
    uint32_t max_block;  /* largest block, bytes; 0: disk 512 KiB, wire 4,096 */
    uint32_t block_bytes; /* coded bytes at which a stream's block is closed, at most max_block; 0:
                            disk 65,536, wire 512, or half of max_block when that is less */
    uint32_t block_rows; /* rows at which it is closed; 0: 65,536 */
    uint32_t key_bytes;  /* coded bytes in a group of blocks from one KEY to the next; 0: disk
                            65,536, wire 8,192 */
    uint32_t key_rows;   /* a group has at least so many rows before key_bytes ends it; 0: disk
                            256, wire 1 */
    uint64_t key_ns;     /* a KEY at least so often; 0: disk never by time, wire 5 s */
    uint64_t max_age_ns; /* a row waits no longer (seen at the stream's next row and at poll);
                            0: disk 1 s, wire 100 ms; UINT64_MAX: no limit (data that is not
                            live: by its time stamps every row of an hourly log is old) */
    uint64_t announce_ns; /* wire: stream header, clocks and schemas again so often; 0: 5 s */
    uint32_t index_blocks; /* blocks between level-1 index blocks; 0: 256; at most
                            max_block / 128 */
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
/* Before the streams that use it, else ERR_STATE. ERR_EXISTS when the id was given already. `name` (NULL:
   "") must outlive the writer. */
TELEM_API telem_result telem_file_add_clock(telem_file_writer *w, uint32_t id, const telem_clock *clock, const char *name);
/* ERR_EXISTS (id or name), ERR_LIMIT (row above max_row, or above what a block holds), ERR_MEMORY,
   ERR_ARG (a schema that telem_schema_check refuses), ERR_NOT_FOUND (the clock). */
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
   rare. `now` in ticks of clock `clock`, on the scale of its rows: a narrow counter is extended
   first (telem_clock_extend). */
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
   ERR_TRUNCATED: empty or cut inside the header. telem_file_reader_error tells where and what.
   TELEM_AGAIN (a non-blocking io has nothing yet): the reader is open; go on with telem_file_next,
   which brings the session when it comes. Do not open again: bytes were taken. */
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
/* By order of appearance; NULL beyond the last. A stream whose schema block was lost has schema NULL
   and name "": it is there for its account. */
TELEM_API telem_file_stream *telem_file_reader_stream(telem_file_reader *r, uint32_t index);
TELEM_API telem_file_stream *telem_file_reader_find(telem_file_reader *r, const char *name);  /* NULL */
/* What the session's clock block says of an id; undeclared: ns, domain boot. *name (may be NULL) is
   never set to NULL. */
TELEM_API telem_clock telem_file_reader_clock(const telem_file_reader *r, uint32_t id, const char **name);
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
/* Learns all streams, their row counts and time spans from the headers of all blocks, without
   decoding rows; then stands at the start again. One small read per block. The first seek does the
   same once. STREAM and CLOCK items of what is known then do not come again. Fills `totals`, one per stream in order of appearance, at most `cap`; returns how many
   streams there are, or a code. */
typedef struct telem_file_totals {
    uint64_t rows; /* in the file */
    int64_t first, last; /* time span; first > last: none */
} telem_file_totals;
TELEM_API int64_t telem_file_reader_scan(telem_file_reader *r, telem_file_totals *totals, uint32_t cap);

/* ---------------------------------------------- sizes of what you declare; not for your code ---- */

#define TELEM_I_FILE_LEVELS 4u  /* index levels that the writer makes: 64^4 level-1 blocks */
#define TELEM_I_FILE_FAN 64u    /* index blocks of one level under one of the next */
#define TELEM_I_FILE_CLOCKS 16u /* clocks of a writer */

typedef struct telem_i_file_pool {
    uint8_t *base;
    size_t size, used;
} telem_i_file_pool;

typedef struct telem_i_file_framing {
    uint32_t seed; /* of header checks: XXH32(session) */
    uint32_t align;
    uint8_t profile, payload_hash;
} telem_i_file_framing;

struct telem_i_file_wstream;
struct telem_i_file_windex;
struct telem_i_file_wloss;

struct telem_file_writer {
    telem_file_writer_desc desc; /* with the defaults filled in */
    telem_i_file_framing framing;
    telem_i_file_pool arena;
    telem_error error;
    uint64_t pos; /* bytes that the io took */
    uint64_t seq; /* of the next block */
    uint64_t rows, lost;
    uint64_t turn; /* counts the moments at which all so far is with the io */
    struct telem_i_file_wstream **streams;
    struct telem_i_file_windex *index; /* NULL: none */
    struct telem_i_file_wloss *losses;
    uint8_t *stage; /* one io block being filled; NULL: the io takes any size */
    uint8_t *lz4;   /* state, then output; NULL: off */
    uint32_t staged, stream_count, loss_count, clock_count;
    telem_clock clocks[TELEM_I_FILE_CLOCKS];
    uint32_t clock_ids[TELEM_I_FILE_CLOCKS];
    const char *clock_names[TELEM_I_FILE_CLOCKS];
    uint8_t open, headed; /* headed: the stream header is with the io */
};

struct telem_i_file_rstream;

typedef struct telem_i_file_rclock {
    uint32_t id;
    telem_clock clock;
    const char *name;
    struct telem_i_file_rclock *next;
} telem_i_file_rclock;

/* A data block being decoded. */
typedef struct telem_i_file_rblock {
    struct telem_i_file_rstream *stream; /* NULL: none */
    const uint8_t *p, *end;         /* tokens left */
    uint64_t row;                   /* number of the next row */
    uint64_t offset, bytes;         /* of the block */
    uint32_t rows;                  /* left, those of `repeat` included */
    uint32_t repeat;                /* rows of a token 2 left */
    uint8_t first;                  /* the next row is a KEY block's first */
    uint8_t all_present;
} telem_i_file_rblock;

struct telem_file_reader {
    telem_file_reader_desc desc;
    telem_i_file_framing framing;
    telem_i_file_pool arena;
    telem_error error;
    telem_file_session session;
    uint8_t header[104];         /* the session's, to compare repeats with */
    uint8_t *window;             /* bytes of the stream from `offset` on */
    size_t window_size, have, at, chunk;
    uint64_t offset;             /* stream position of window[0] */
    uint64_t owed;               /* bytes still to be skipped */
    uint64_t start, blocks_at;   /* of the session's header; behind it */
    uint8_t *expanded;           /* LZ4 */
    uint64_t seq;                /* expected */
    telem_error bad;             /* a stretch of damage and where it began */
    telem_i_file_rblock block;
    struct telem_i_file_rstream *streams, *last_stream, *latest; /* in order of appearance */
    struct telem_i_file_rstream *tail; /* whose account at the end is told next */
    uint64_t tail_offset;
    telem_i_file_rclock *clocks;
    const uint8_t *entries, *entries_end; /* metadata entries left of a block */
    uint64_t entries_offset, entries_bytes;
    telem_file_item queue[8], held_item;
    uint32_t stream_count, max_columns, queued, taken;
    uint8_t has_session, has_bad, seq_known, ended, finish, adrift, learnt, tail_end, entries_cut, held, stay;
};
#endif /* TELEM_FILE_H */

/* ---- Stop here if you only use the API. ------------------------------------------------------ */

#if defined(TELEM_IMPLEMENTATION) && !defined(TELEM_FILE_H_IMPLEMENTATION)
#define TELEM_FILE_H_IMPLEMENTATION

#if !defined(TELEM_NO_LZ4)
#include <lz4.h>
#endif

/* Search anchors: >>framing >>rows-encode >>blocks-out >>index-out >>writer
                   >>window >>rows-decode >>blocks-in >>reader >>seek */

/* >>framing -- what writer and reader share ---------------------------------------------------- */

#define TELEM_I_FILE_HEADER 104u     /* bytes of a stream header of version 1.0 */
#define TELEM_I_FILE_ROOM 128u       /* bytes kept free before a block's payload for its header */
#define TELEM_I_FILE_SLACK 160u      /* bytes behind it: a group, a run token, check and pad */
#define TELEM_I_FILE_INDEXED 128u   /* most bytes that a block takes in an index, with its stream */
#define TELEM_I_FILE_MAX_BLOCK_ROWS 1048576u
#define TELEM_I_FILE_LZ4 0x20u
#define TELEM_I_FILE_KEY 0x40u
#define TELEM_I_FILE_SKIP 0x80u
#define TELEM_I_FILE_TIMES 1u
#define TELEM_I_FILE_DISORDER 2u
#define TELEM_I_FILE_ALL_PRESENT 4u
#define TELEM_I_FILE_INCOMPAT_JOURNAL 1u

static const uint8_t telem_i_file_magic[8] = {0x89, 0x54, 0x4C, 0x4D, 0x0D, 0x0A, 0x1A, 0x0A};
static const uint8_t telem_i_file_sync[4] = {0xD7, 0x54, 0x4C, 0x4D};

static size_t telem_i_file_align8(size_t n) { return (n + 7u) & ~(size_t)7u; }

static void *telem_i_file_take(telem_i_file_pool *a, size_t n) {
    size_t need = telem_i_file_align8(n);
    void *p;
    if (need < n || need > a->size - a->used) return NULL;
    p = a->base + a->used;
    a->used += need;
    memset(p, 0, need);
    return p;
}

static size_t telem_i_file_sync_size(const telem_i_file_framing *f) { return f->profile == TELEM_FILE_WIRE ? 2u : 4u; }

static size_t telem_i_file_aligned(const telem_i_file_framing *f, size_t n) {
    return (n + f->align - 1u) & ~(size_t)(f->align - 1u);
}

/* Differences of times are modulo 2^64. */
static uint64_t telem_i_file_since(int64_t from, int64_t to) { return (uint64_t)to - (uint64_t)from; }
static int64_t telem_i_file_plus(int64_t t, uint64_t d) { return telem_i_signed((uint64_t)t + d); }

/* strcmp is not everywhere. */
static int telem_i_file_same(const char *a, const char *b) {
    size_t n = strlen(a);
    return n == strlen(b) && memcmp(a, b, n) == 0;
}

static uint64_t telem_i_file_hash_pair(const void *p, size_t n) {
    return telem_i_xxh32(p, n, 0) | (uint64_t)telem_i_xxh32(p, n, 0x9E3779B1u) << 32;
}

static void telem_i_file_framing_init(telem_i_file_framing *f, uint64_t session, uint8_t profile, uint32_t align, uint8_t hash) {
    uint8_t id[8];
    telem_put64(id, session);
    f->seed = telem_i_xxh32(id, 8, 0);
    f->align = align;
    f->profile = profile;
    f->payload_hash = hash;
}

/* The payload hash, fed in parts. */
typedef struct telem_i_file_hash {
    uint8_t id;
    union {
        XXH32_state_t h32;
#if !defined(TELEM_NO_XXH3)
        XXH3_state_t h3;
#endif
    } u;
} telem_i_file_hash;

static void telem_i_file_hash_begin(telem_i_file_hash *h, uint8_t id, uint32_t seed) {
    h->id = id;
#if !defined(TELEM_NO_XXH3)
    if (id == 2) {
        (void)XXH3_64bits_reset_withSeed(&h->u.h3, seed);
        return;
    }
#endif
    (void)XXH32_reset(&h->u.h32, seed);
}

static void telem_i_file_hash_add(telem_i_file_hash *h, const void *p, size_t n) {
    if (n == 0 || n > (size_t)1 << 30) return; /* no block is larger; some compilers want to know */
#if !defined(TELEM_NO_XXH3)
    if (h->id == 2) {
        (void)XXH3_64bits_update(&h->u.h3, p, n);
        return;
    }
#endif
    (void)XXH32_update(&h->u.h32, p, n);
}

static uint32_t telem_i_file_hash_end(telem_i_file_hash *h) {
#if !defined(TELEM_NO_XXH3)
    if (h->id == 2) return (uint32_t)(XXH3_64bits_digest(&h->u.h3) & 0xFFFFFFFFu);
#endif
    return XXH32_digest(&h->u.h32);
}

static uint32_t telem_i_file_payload_hash(const telem_i_file_framing *f, const void *p, size_t n, uint32_t seed) {
    (void)f;
#if !defined(TELEM_NO_XXH3)
    if (f->payload_hash == 2) return (uint32_t)(XXH3_64bits_withSeed(p, n, seed) & 0xFFFFFFFFu);
#endif
    return telem_i_xxh32(p, n, seed);
}

/* Columns: what the coder needs to know of one. */
static int telem_i_file_codes_text(uint8_t type) { return type >= TELEM_CHARS && type <= TELEM_BLOB; }
static int telem_i_file_codes_variable(uint8_t type) { return type == TELEM_STRING || type == TELEM_BLOB; }
static int telem_i_file_codes_float(uint8_t type) { return type >= TELEM_F16 && type <= TELEM_F64; }
static int telem_i_file_is_counter(const telem_column *c) {
    return !c->presence && (c->field->flags & TELEM_COUNTER) && c->type >= TELEM_U8 && c->type <= TELEM_I64;
}

static uint64_t telem_i_file_load(const uint8_t *p, uint32_t width) {
    switch (width) {
    case 1: return p[0];
    case 2: return telem_get16(p);
    case 4: return telem_get32(p);
    default: return telem_get64(p);
    }
}

static void telem_i_file_store(uint8_t *p, uint32_t width, uint64_t v) {
    switch (width) {
    case 1: p[0] = (uint8_t)(v & 0xFFu); break;
    case 2: telem_put16(p, (uint16_t)(v & 0xFFFFu)); break;
    case 4: telem_put32(p, (uint32_t)(v & 0xFFFFFFFFu)); break;
    default: telem_put64(p, v); break;
    }
}

/* The zigzag of (value - pred) as a signed number of `width` bytes, and its inverse. */
static uint64_t telem_i_file_residual(uint64_t value, uint64_t pred, uint32_t width) {
    unsigned drop = 64u - 8u * width;
    uint64_t d = (value - pred) << drop;        /* the sign bit comes to the top */
    uint64_t sign = (d >> 63) ? ~(uint64_t)0 : 0;
    return ((d << 1) ^ sign) >> drop;
}
static uint64_t telem_i_file_unresidual(uint64_t r, uint64_t pred) {
    return pred + ((r >> 1) ^ ((r & 1) ? ~(uint64_t)0 : 0));
}

/* >>rows-encode -------------------------------------------------------------------------------- */

/* One stream of a writer. */
typedef struct telem_i_file_wstream {
    const telem_schema *schema;
    const char *name;
    telem_clock clock;
    uint64_t fingerprint;
    uint32_t id, clock_id, row_size, capacity;
    uint8_t has_optional, has_counter, has_variable, has_bool, need_key, all_present, saw_null;
    uint8_t *row, *prev;      /* row form: the one at hand, the one before */
    uint8_t *out;             /* coded payload */
    uint32_t used, rows, run; /* bytes, rows in the block, repeats not yet written */
    uint8_t disorder, key;    /* of the open block */
    int64_t t, step;          /* section 6 */
    int64_t first, min, max;  /* times of the open block */
    uint64_t start_row, next_row, first_row;
    uint64_t key_row, key_seq, group_bytes, group_rows;
    int64_t key_time, announced;
    uint8_t has_announced;
    uint64_t age_ticks, key_ticks, announce_ticks;
    uint64_t schema_pos, taken, blocks, bytes, lost;
    uint64_t untold; /* of `lost`: not yet in a loss block */
    int64_t lost_first, lost_last;
    uint64_t staged_rows, staged_turn; /* rows in blocks that are not wholly with the io */
    struct {
        uint64_t rows;
        int64_t min, max;
    } covered[TELEM_I_FILE_LEVELS];
} telem_i_file_wstream;

/* A row being coded: groups of eight columns. */
typedef struct telem_i_file_coder {
    uint8_t *p;      /* the open group's mask byte will stand here */
    uint8_t *values; /* where its next value goes: room for 4 tag bytes is left before */
    uint8_t *limit;
    uint32_t zeros;  /* unchanged groups not yet written */
    uint8_t n, mask, tags, changed;
    uint8_t tag[4];
} telem_i_file_coder;

static void telem_i_file_coder_open(telem_i_file_coder *c) {
    c->values = c->p + 5;
    c->n = c->mask = c->tags = 0;
    memset(c->tag, 0, sizeof c->tag);
}

static void telem_i_file_coder_zeros(telem_i_file_coder *c) {
    if (c->zeros == 0) return;
    *c->p++ = 0;
    c->p += telem_varint_put(c->p, c->zeros - 1u);
    c->zeros = 0;
}

static void telem_i_file_coder_close(telem_i_file_coder *c) {
    if (c->mask == 0) {
        c->zeros++;
    } else {
        size_t tag_bytes = (c->tags + 1u) / 2u, n = (size_t)(c->values - (c->p + 5));
        memmove(c->p + 1 + tag_bytes, c->p + 5, n);
        c->p[0] = c->mask;
        memcpy(c->p + 1, c->tag, tag_bytes);
        c->p += 1 + tag_bytes + n;
        c->changed = 1;
    }
    telem_i_file_coder_open(c);
}

/* The group is about to get its first coded column: unchanged groups before it come first. */
static void telem_i_file_coder_mark(telem_i_file_coder *c) {
    if (c->mask == 0 && c->zeros) {
        telem_i_file_coder_zeros(c);
        c->values = c->p + 5;
    }
    c->mask = (uint8_t)(c->mask | 1u << c->n);
}

static void telem_i_file_coder_step(telem_i_file_coder *c) {
    if (++c->n == 8) telem_i_file_coder_close(c);
}

static void telem_i_file_coder_tag(telem_i_file_coder *c, uint32_t tag) {
    c->tag[c->tags >> 1] = (uint8_t)(c->tag[c->tags >> 1] | tag << ((c->tags & 1u) * 4u));
    c->tags++;
}

/* Stores whole words: what lies behind the n bytes is written over next, or slack. */
static void telem_i_file_coder_bytes(telem_i_file_coder *c, uint64_t v, uint32_t n) {
    telem_put32(c->values, (uint32_t)(v & 0xFFFFFFFFu));
    if (n > 4) telem_put32(c->values + 4, (uint32_t)(v >> 32));
    c->values += n;
}

static uint32_t telem_i_file_byte_length(uint64_t v) {
    uint32_t low = (uint32_t)(v & 0xFFFFFFFFu), high = (uint32_t)(v >> 32);
    uint32_t n = high ? 5u : 1u, word = high ? high : low;
    return n + (word > 0xFFu) + (word > 0xFFFFu) + (word > 0xFFFFFFu);
}

static void telem_i_file_code_int(telem_i_file_coder *c, uint64_t value, uint64_t pred, uint32_t width) {
    uint64_t r = telem_i_file_residual(value, pred, width);
    if (r != 0) {
        telem_i_file_coder_mark(c);
        if (r <= 8) {
            telem_i_file_coder_tag(c, (uint32_t)r + 7u);
        } else {
            uint32_t n = telem_i_file_byte_length(r);
            telem_i_file_coder_tag(c, n - 1u);
            telem_i_file_coder_bytes(c, r, n);
        }
    }
    telem_i_file_coder_step(c);
}

static void telem_i_file_code_float(telem_i_file_coder *c, uint64_t value, uint64_t prev, uint32_t width) {
    uint64_t x = value ^ prev;
    if (x != 0) {
        uint32_t low = telem_i_file_byte_length(x), high = width;
        uint64_t rest = x;
        while ((rest & 0xFFu) == 0) {
            rest >>= 8;
            high--;
        }
        telem_i_file_coder_mark(c);
        if (low <= high) {
            telem_i_file_coder_tag(c, low - 1u);
            telem_i_file_coder_bytes(c, x, low);
        } else {
            telem_i_file_coder_tag(c, high + 7u);
            telem_i_file_coder_bytes(c, rest, high);
        }
    }
    telem_i_file_coder_step(c);
}

static void telem_i_file_code_bool(telem_i_file_coder *c, uint8_t value, uint8_t prev) {
    if (value != prev) telem_i_file_coder_mark(c);
    telem_i_file_coder_step(c);
}

/* Length of a fixed text without its zero tail. */
static uint32_t telem_i_file_trimmed(const uint8_t *p, uint32_t n) {
    while (n > 0 && p[n - 1] == 0) n--;
    return n;
}

/* Returns 0 when the bytes do not fit. */
static int telem_i_file_code_text(telem_i_file_coder *c, const telem_column *col, const uint8_t *value, const uint8_t *prev) {
    uint32_t len, was, same = 0;
    if (memcmp(value, prev, col->width) == 0) {
        telem_i_file_coder_step(c);
        return 1;
    }
    if (telem_i_file_codes_variable(col->type)) {
        len = telem_get32(value);
        was = telem_get32(prev);
        value += 4;
        prev += 4;
    } else {
        len = telem_i_file_trimmed(value, col->width);
        was = col->width;
    }
    while (same < len && same < was && value[same] == prev[same]) same++;
    telem_i_file_coder_mark(c);
    if (c->values > c->limit || len - same > (size_t)(c->limit - c->values)) return 0;
    c->values += telem_varint_put(c->values, same);
    c->values += telem_varint_put(c->values, len - same);
    memcpy(c->values, value + same, len - same);
    c->values += len - same;
    telem_i_file_coder_step(c);
    return 1;
}

/* `n` columns that are not coded. */
static void telem_i_file_code_same(telem_i_file_coder *c, uint32_t n) {
    while (n > 0) {
        if (c->n == 0 && n >= 8) {
            c->zeros += n / 8;
            n %= 8;
        } else {
            telem_i_file_coder_step(c);
            n--;
        }
    }
}

/* A run of numbers or bools; eight at a time are compared as bytes first. Returns 0 when the
   block is full. */
static int telem_i_file_code_run(telem_i_file_coder *c, const telem_column *col, const uint8_t *row, const uint8_t *prev) {
    uint32_t i = 0, w = col->width, counter = telem_i_file_is_counter(col) ? 1u : 0u;
    row += col->row;
    prev += col->row;
    while (i < col->count) {
        const uint8_t *a = row + (size_t)i * w, *b = prev + (size_t)i * w;
        if (c->n == 0) {
            if (c->p > c->limit) return 0;
            if (!counter && col->count - i >= 8 && memcmp(a, b, 8u * (size_t)w) == 0) {
                c->zeros++;
                i += 8;
                continue;
            }
        }
        if (col->type == TELEM_BOOL) telem_i_file_code_bool(c, a[0], b[0]);
        else if (telem_i_file_codes_float(col->type)) telem_i_file_code_float(c, telem_i_file_load(a, w), telem_i_file_load(b, w), w);
        else telem_i_file_code_int(c, telem_i_file_load(a, w), telem_i_file_load(b, w) + counter, w);
        i++;
    }
    return 1;
}

static int telem_i_file_code_texts(telem_i_file_coder *c, const telem_column *col, const uint8_t *row, const uint8_t *prev) {
    uint32_t i;
    for (i = 0; i < col->count; i++) {
        size_t at = col->row + (size_t)i * col->width;
        if (!telem_i_file_code_text(c, col, row + at, prev + at) || c->values > c->limit + 64) return 0;
    }
    return 1;
}

/* Codes the groups of s->row at `p`. Returns the end, or NULL when the block is full; *changed
   says whether any column was coded. */
static uint8_t *telem_i_file_code_row(const telem_i_file_wstream *s, uint8_t *p, uint8_t *limit, int *changed) {
    telem_columns it;
    telem_column col;
    telem_i_file_coder c;
    uint32_t absent_end = 0;
    memset(&c, 0, sizeof c);
    c.p = p;
    c.limit = limit;
    telem_i_file_coder_open(&c);
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &col)) {
        if (col.presence && s->all_present) continue;
        if (col.row < absent_end) {
            telem_i_file_code_same(&c, col.count);
        } else if (telem_i_file_codes_text(col.type)) {
            if (!telem_i_file_code_texts(&c, &col, s->row, s->prev)) return NULL;
        } else {
            if (!telem_i_file_code_run(&c, &col, s->row, s->prev)) return NULL;
            if (col.presence && s->row[col.row] == 0) absent_end = col.row + 1u + col.covers;
        }
    }
    if (c.n > 0) telem_i_file_coder_close(&c);
    telem_i_file_coder_zeros(&c);
    *changed = c.changed;
    return c.p <= limit ? c.p : NULL;
}

/* After a row was coded: P becomes the row, but what is absent stays. */
static void telem_i_file_keep_row(telem_i_file_wstream *s) {
    telem_columns it;
    telem_column col;
    uint32_t absent_end = 0;
    if (!s->has_optional) {
        uint8_t *t = s->prev;
        s->prev = s->row;
        s->row = t;
        return;
    }
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &col)) {
        if (col.row < absent_end) continue;
        memcpy(s->prev + col.row, s->row + col.row, (size_t)col.width * col.count);
        if (col.presence && s->row[col.row] == 0) absent_end = col.row + 1u + col.covers;
    }
}

/* Is any optional field of the row absent? */
static int telem_i_file_has_null(const telem_i_file_wstream *s) {
    telem_columns it;
    telem_column col;
    if (!s->has_optional) return 0;
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &col))
        if (col.presence && s->row[col.row] == 0) return 1;
    return 0;
}

/* A KEY block begins: P is all zero, presence 1 under ALL_PRESENT. */
static void telem_i_file_reset_prev(telem_i_file_wstream *s) {
    memset(s->prev, 0, s->row_size);
    s->t = s->step = 0;
}
static void telem_i_file_set_presence(const telem_schema *schema, uint8_t *row) {
    telem_columns it;
    telem_column col;
    telem_columns_begin(&it, schema);
    while (telem_columns_next(&it, &col))
        if (col.presence) row[col.row] = 1;
}

/* >>blocks-out --------------------------------------------------------------------------------- */

static void telem_i_file_writer_fail(telem_file_writer *w, telem_result code, const char *what) {
    if (w->error.code != TELEM_OK) return; /* the first one sticks */
    w->error.code = code;
    w->error.offset = w->pos;
    w->error.what = what;
}

/* Returns how many bytes the io did not take. */
static size_t telem_i_file_io_out(telem_file_writer *w, const uint8_t *p, size_t n) {
    while (n > 0 && w->error.code == TELEM_OK) {
        int64_t took = w->desc.io->write(w->desc.io->user, p, n);
        if (took < 0) {
            telem_i_file_writer_fail(w, (telem_result)took, "writing to the io failed");
        } else if (took == 0 || (uint64_t)took > n) {
            telem_i_file_writer_fail(w, TELEM_ERR_IO, "the io took no bytes");
        } else {
            w->pos += (uint64_t)took;
            p += (size_t)took;
            n -= (size_t)took;
        }
    }
    return n;
}

/* The staged io block goes out. Where the io fails it stays, for telem_file_writer_clear. */
static void telem_i_file_stage_out(telem_file_writer *w) {
    size_t block = w->desc.io->block_size, done = (size_t)(w->pos % block);
    if (telem_i_file_io_out(w, w->stage + done, block - done)) return;
    w->staged = 0;
    w->turn++;
}

/* Bytes of the stream, in whole io blocks where the io asks for them. Returns how many will never
   go out. */
static size_t telem_i_file_out(telem_file_writer *w, const void *data, size_t n) {
    const uint8_t *p = (const uint8_t *)data;
    size_t block = w->desc.io->block_size;
    if (!w->stage) return telem_i_file_io_out(w, p, n);
    while (n > 0 && w->error.code == TELEM_OK) {
        size_t part = block - w->staged;
        if (part > n) part = n;
        memcpy(w->stage + w->staged, p, part);
        w->staged += (uint32_t)part;
        p += part;
        n -= part;
        if (w->staged == block) telem_i_file_stage_out(w);
    }
    return n;
}

/* Position in the stream of the next byte. */
static uint64_t telem_i_file_tell(const telem_file_writer *w) { return w->pos + w->staged; }

/* A staged io block goes out filled up with free space. */
static void telem_i_file_out_flush(telem_file_writer *w) {
    size_t block = w->desc.io->block_size;
    if (!w->stage || w->staged == 0 || w->error.code != TELEM_OK) return;
    memset(w->stage + w->staged, 0, block - w->staged);
    w->staged = (uint32_t)block;
    telem_i_file_stage_out(w);
}

/* Writes a block's header at p (TELEM_I_FILE_ROOM bytes); returns its size with pad. *check is H. */
static size_t telem_i_file_block_header(const telem_i_file_framing *f, uint8_t *p, uint8_t kind, uint64_t seq, uint64_t len,
                                   const uint8_t *fields, size_t n_fields, uint32_t *check) {
    size_t at = telem_i_file_sync_size(f), start, size;
    memcpy(p, telem_i_file_sync, at);
    p[at++] = kind;
    start = ++at;
    at += telem_varint_put(p + at, seq);
    at += telem_varint_put(p + at, len);
    if (n_fields) memcpy(p + at, fields, n_fields);
    at += n_fields;
    p[start - 1] = (uint8_t)(at - start);
    *check = telem_i_xxh32(p, at, f->seed);
    if (f->profile == TELEM_FILE_WIRE) {
        telem_put16(p + at, (uint16_t)(*check & 0xFFFFu));
        at += 2;
    } else {
        telem_put32(p + at, *check);
        at += 4;
    }
    size = telem_i_file_aligned(f, at);
    memset(p + at, 0, size - at);
    return size;
}

static void telem_i_file_index_add(telem_file_writer *w, uint8_t kind, uint64_t pos, telem_i_file_wstream *s);
static void telem_i_file_index_due(telem_file_writer *w);

/* A block's payload is produced by a body that is run twice: once to count, once to write. */
typedef struct telem_i_file_body {
    telem_file_writer *w;
    uint64_t len;
    uint64_t start; /* of the block in the stream */
    uint8_t counting;
    uint16_t staged;
    telem_i_file_hash hash;
    uint8_t stage[192]; /* small pieces are gathered */
} telem_i_file_body;

static void telem_i_file_body_flush(telem_i_file_body *b) {
    telem_i_file_hash_add(&b->hash, b->stage, b->staged);
    telem_i_file_out(b->w, b->stage, b->staged);
    b->staged = 0;
}

static void telem_i_file_body_put(telem_i_file_body *b, const void *p, size_t n) {
    if (b->counting) {
        b->len += n;
        return;
    }
    if (n > sizeof b->stage - b->staged) telem_i_file_body_flush(b);
    if (n > sizeof b->stage) {
        telem_i_file_hash_add(&b->hash, p, n);
        telem_i_file_out(b->w, p, n);
    } else if (n > 0) {
        memcpy(b->stage + b->staged, p, n);
        b->staged = (uint16_t)(b->staged + n);
    }
}

static void telem_i_file_body_put_byte(telem_i_file_body *b, uint8_t v) { telem_i_file_body_put(b, &v, 1); }
static void telem_i_file_body_put_varint(telem_i_file_body *b, uint64_t v) {
    uint8_t t[TELEM_VARINT_MAX];
    telem_i_file_body_put(b, t, telem_varint_put(t, v));
}
static void telem_i_file_body_put_svarint(telem_i_file_body *b, int64_t v) { telem_i_file_body_put_varint(b, telem_zigzag(v)); }
static void telem_i_file_body_put_text(telem_i_file_body *b, const void *p, size_t n) {
    telem_i_file_body_put_varint(b, n);
    telem_i_file_body_put(b, p, n);
}
static void telem_i_file_body_put_ref(telem_i_file_body *b, uint32_t stream) {
    telem_i_file_body_put_varint(b, stream == TELEM_ALL_STREAMS ? 0 : (uint64_t)stream + 1u);
}

/* Emits a block that is not data. On a sticky error nothing is written. */
static telem_result telem_i_file_emit(telem_file_writer *w, uint8_t kind, const uint8_t *fields, size_t n_fields,
                                 void (*body)(telem_i_file_body *b, const void *arg), const void *arg) {
    uint8_t room[TELEM_I_FILE_ROOM];
    telem_i_file_body b;
    size_t size, total;
    uint32_t check;
    if (w->error.code != TELEM_OK) return w->error.code;
    memset(&b, 0, offsetof(telem_i_file_body, hash));
    b.w = w;
    b.start = telem_i_file_tell(w);
    b.counting = 1;
    body(&b, arg);
    size = telem_i_file_block_header(&w->framing, room, kind, w->seq, b.len, fields, n_fields, &check);
    total = telem_i_file_aligned(&w->framing, (size_t)(size + b.len + 4u));
    if (b.len > w->desc.max_block || total > w->desc.max_block) return TELEM_ERR_LIMIT;
    telem_i_file_out(w, room, size);
    b.counting = 0;
    telem_i_file_hash_begin(&b.hash, w->framing.payload_hash, check);
    body(&b, arg);
    telem_i_file_body_flush(&b);
    memset(room, 0, sizeof room);
    telem_put32(room, telem_i_file_hash_end(&b.hash));
    telem_i_file_out(w, room, (size_t)(total - size - b.len));
    w->seq++;
    if ((kind & 0x1Fu) != TELEM_BLOCK_INDEX) {
        telem_i_file_index_add(w, kind, b.start, NULL);
        telem_i_file_index_due(w);
    }
    return w->error.code;
}

/* The frame of a data block: everything but its payload. */
static size_t telem_i_file_data_fields(const telem_file_writer *w, const telem_i_file_wstream *s, uint8_t *p) {
    uint8_t *start = p;
    int times = s->key || w->framing.profile == TELEM_FILE_DISK;
    uint32_t flags = (times ? TELEM_I_FILE_TIMES : 0u) | (s->disorder ? TELEM_I_FILE_DISORDER : 0u) |
                     (s->all_present ? TELEM_I_FILE_ALL_PRESENT : 0u);
    p += telem_varint_put(p, s->id);
    p += telem_varint_put(p, s->rows);
    p += telem_varint_put(p, flags);
    if (s->key) {
        telem_put16(p, (uint16_t)(s->fingerprint & 0xFFFFu));
        p += 2;
        p += telem_varint_put(p, s->first_row);
        p += telem_varint_put(p, telem_zigzag(s->first));
    } else {
        p += telem_varint_put(p, w->seq - s->key_seq);
        p += telem_varint_put(p, s->first_row - s->key_row);
    }
    if (times) {
        if (!s->key) p += telem_varint_put(p, telem_zigzag(telem_i_signed(telem_i_file_since(s->key_time, s->first))));
        if (s->disorder) {
            p += telem_varint_put(p, telem_i_file_since(s->min, s->first));
            p += telem_varint_put(p, telem_i_file_since(s->first, s->max));
        } else {
            p += telem_varint_put(p, telem_i_file_since(s->first, s->max));
        }
    }
    return (size_t)(p - start);
}

/* LZ4 over the payload when it saves 5 %. Returns the payload to write (with TELEM_I_FILE_ROOM bytes
   free before it), *len its size, *lz4 whether. */
static uint8_t *telem_i_file_pack_payload(telem_file_writer *w, telem_i_file_wstream *s, size_t *len, int *lz4) {
    *len = s->used;
    *lz4 = 0;
#if !defined(TELEM_NO_LZ4)
    if (w->lz4 && s->used >= 64 && s->used <= w->desc.block_bytes) {
        uint8_t *out = w->lz4 + telem_i_file_align8((size_t)LZ4_sizeofState()) + TELEM_I_FILE_ROOM;
        size_t head = telem_varint_put(out, s->used);
        int room = (int)(s->used - s->used / 20u - head);
        int n = LZ4_compress_fast_extState(w->lz4, (const char *)s->out, (char *)out + head, (int)s->used, room, 1);
        if (n > 0) {
            *len = head + (size_t)n;
            *lz4 = 1;
            return out;
        }
    }
#else
    (void)w;
#endif
    return s->out;
}

static void telem_i_file_cover(telem_file_writer *w, telem_i_file_wstream *s) {
    uint32_t k;
    if (!w->index) return;
    for (k = 0; k < TELEM_I_FILE_LEVELS; k++) {
        if (s->covered[k].rows == 0 || s->min < s->covered[k].min) s->covered[k].min = s->min;
        if (s->covered[k].rows == 0 || s->max > s->covered[k].max) s->covered[k].max = s->max;
        s->covered[k].rows += s->rows;
    }
}

static void telem_i_file_lose(telem_file_writer *w, telem_i_file_wstream *s, uint64_t rows, int64_t first, int64_t last) {
    if (s->untold == 0 || first < s->lost_first) s->lost_first = first;
    if (s->untold == 0 || last > s->lost_last) s->lost_last = last;
    s->untold += rows;
    s->lost += rows;
    w->lost += rows;
    s->need_key = 1;
}

/* Closes the open block of a stream and writes it. With an error that stuck the block stays open:
   telem_file_writer_clear may yet save it. */
static telem_result telem_i_file_close_block(telem_file_writer *w, telem_i_file_wstream *s) {
    uint8_t fields[80];
    uint8_t *payload, *start;
    size_t n_fields, len, size, total, cut;
    uint32_t check;
    uint8_t kind = TELEM_BLOCK_ROWS;
    uint64_t pos = telem_i_file_tell(w);
    int lz4;
    if (s->rows == 0 || w->error.code != TELEM_OK) return w->error.code;
    if (s->run) s->used += (uint32_t)telem_varint_put(s->out + s->used, (uint64_t)s->run << 2 | 2u);
    s->run = 0;
    n_fields = telem_i_file_data_fields(w, s, fields);
    payload = telem_i_file_pack_payload(w, s, &len, &lz4);
    if (s->key) kind |= TELEM_I_FILE_KEY;
    if (lz4) kind |= TELEM_I_FILE_LZ4;
    { /* the header goes right before the payload: one write for the whole block */
        uint8_t head[TELEM_I_FILE_ROOM];
        size = telem_i_file_block_header(&w->framing, head, kind, w->seq, len, fields, n_fields, &check);
        start = payload - size;
        memcpy(start, head, size);
    }
    total = telem_i_file_aligned(&w->framing, size + len + 4u);
    telem_put32(payload + len, telem_i_file_payload_hash(&w->framing, payload, len, check));
    memset(payload + len + 4, 0, total - size - len - 4u);
    cut = telem_i_file_out(w, start, total);
    s->group_bytes += s->used;
    s->group_rows += s->rows;
    s->bytes += total;
    s->blocks++;
    w->seq++;
    if (cut > total - size - len - 4u) { /* of more than the pad, which telem_file_writer_clear completes */
        telem_i_file_lose(w, s, s->rows, s->min, s->max);
    } else {
        telem_i_file_cover(w, s);
        telem_i_file_index_add(w, kind, pos, s);
        if (s->staged_turn != w->turn) s->staged_rows = 0;
        s->staged_turn = w->turn;
        if (w->staged || cut) s->staged_rows += s->rows;
    }
    if (s->key) s->key_seq = w->seq - 1u;
    s->rows = s->used = 0;
    telem_i_file_index_due(w);
    return w->error.code;
}

typedef struct telem_i_file_clock_arg {
    uint32_t id;
    const telem_clock *clock;
    const char *name;
} telem_i_file_clock_arg;

static void telem_i_file_clock_body(telem_i_file_body *b, const void *arg) {
    const telem_i_file_clock_arg *a = (const telem_i_file_clock_arg *)arg;
    unsigned bits = a->clock->bits;
    telem_i_file_body_put_varint(b, a->id);
    telem_i_file_body_put_varint(b, telem_i_hz_num(a->clock));
    telem_i_file_body_put_varint(b, telem_i_hz_den(a->clock));
    telem_i_file_body_put_byte(b, (uint8_t)(bits == 0 || bits > 64 ? 64 : bits));
    telem_i_file_body_put_byte(b, a->clock->domain);
    telem_i_file_body_put_text(b, a->name, strlen(a->name));
}

static telem_result telem_i_file_emit_clock(telem_file_writer *w, uint32_t i) {
    telem_i_file_clock_arg a;
    a.id = w->clock_ids[i];
    a.clock = &w->clocks[i];
    a.name = w->clock_names[i];
    return telem_i_file_emit(w, TELEM_BLOCK_CLOCK, NULL, 0, telem_i_file_clock_body, &a);
}

static void telem_i_file_schema_body(telem_i_file_body *b, const void *arg) {
    const telem_i_file_wstream *s = (const telem_i_file_wstream *)arg;
    uint64_t from = 0, total = (uint64_t)telem_schema_encode(s->schema, 0, NULL, 0);
    uint8_t part[8];
    telem_i_file_body_put_varint(b, s->clock_id);
    telem_i_file_body_put_varint(b, s->start_row);
    telem_i_file_body_put_text(b, s->name, strlen(s->name));
    telem_i_file_body_put_varint(b, 0); /* encoding: telem */
    telem_put64(part, s->fingerprint);
    telem_i_file_body_put(b, part, 8);
    telem_i_file_body_put_varint(b, total);
    if (b->counting) {
        b->len += total;
        return;
    }
    while (from < total) {
        int64_t n = telem_schema_encode(s->schema, from, s->out, s->capacity); /* no block is open */
        if (n <= 0) return;
        telem_i_file_body_put(b, s->out, (size_t)n);
        from += (uint64_t)n;
    }
}

static telem_result telem_i_file_emit_schema(telem_file_writer *w, telem_i_file_wstream *s) {
    uint8_t fields[TELEM_VARINT_MAX];
    s->schema_pos = telem_i_file_tell(w);
    return telem_i_file_emit(w, TELEM_BLOCK_SCHEMA, fields, telem_varint_put(fields, s->id), telem_i_file_schema_body, s);
}

static void telem_i_file_emit_header(telem_file_writer *w) {
    const telem_file_writer_desc *d = &w->desc;
    uint8_t h[TELEM_I_FILE_HEADER];
    memset(h, 0, sizeof h);
    memcpy(h, telem_i_file_magic, 8);
    h[8] = TELEM_FILE_FORMAT;
    h[9] = TELEM_FILE_FORMAT_MINOR;
    telem_put16(h + 10, TELEM_I_FILE_HEADER);
    h[12] = d->profile;
    h[13] = d->profile == TELEM_FILE_WIRE ? 0 : 3;
    h[14] = 1;
    h[15] = w->framing.payload_hash;
    telem_put64(h + 16, d->session);
    telem_put32(h + 36, d->max_block);
    telem_put32(h + 40, d->max_row);
    telem_put32(h + 44, d->max_streams);
    telem_put32(h + 48, 65535);
    telem_put32(h + 52, d->file_number);
    telem_put64(h + 56, d->max_age_ns);
    telem_put64(h + 64, d->sequence);
    telem_put64(h + 72, d->previous);
    telem_put64(h + 80, (uint64_t)d->created);
    telem_put32(h + TELEM_I_FILE_HEADER - 4, telem_i_xxh32(h, TELEM_I_FILE_HEADER - 4, 0));
    telem_i_file_out(w, h, sizeof h);
    if (w->error.code == TELEM_OK) w->headed = 1;
}

/* >>index-out ---------------------------------------------------------------------------------- */

typedef struct telem_i_file_entry {
    uint64_t pos, first_row;
    uint32_t stream, rows; /* rows 0: not a data block */
    int64_t min, max;
    uint8_t kind;
} telem_i_file_entry;

typedef struct telem_i_file_windex {
    telem_i_file_entry *entries; /* blocks since the latest level-1 index */
    uint32_t count, busy;
    uint64_t last[TELEM_I_FILE_LEVELS];                  /* position of the latest of each level; 0: none */
    uint64_t below[TELEM_I_FILE_LEVELS][TELEM_I_FILE_FAN];    /* children since then, levels 2 and up */
    uint32_t below_count[TELEM_I_FILE_LEVELS];
} telem_i_file_windex;

typedef struct telem_i_file_index_arg {
    const telem_file_writer *w;
    uint32_t level; /* 0-based */
} telem_i_file_index_arg;

static uint64_t telem_i_file_back(uint64_t from, uint64_t to) { return to ? from - to : 0; }

static void telem_i_file_index_entries(telem_i_file_body *b, const telem_i_file_windex *x, uint32_t level) {
    uint32_t i;
    if (level > 0) {
        telem_i_file_body_put_varint(b, x->below_count[level]);
        for (i = 0; i < x->below_count[level]; i++) telem_i_file_body_put_varint(b, b->start - x->below[level][i]);
        return;
    }
    telem_i_file_body_put_varint(b, x->count);
    for (i = 0; i < x->count; i++) {
        const telem_i_file_entry *e = &x->entries[i];
        telem_i_file_body_put_byte(b, e->kind);
        telem_i_file_body_put_varint(b, b->start - e->pos);
        if (e->rows == 0) continue;
        telem_i_file_body_put_varint(b, e->stream);
        telem_i_file_body_put_varint(b, e->first_row);
        telem_i_file_body_put_varint(b, e->rows);
        telem_i_file_body_put_svarint(b, e->min);
        telem_i_file_body_put_varint(b, telem_i_file_since(e->min, e->max));
    }
}

static void telem_i_file_index_body(telem_i_file_body *b, const void *arg) {
    const telem_i_file_index_arg *a = (const telem_i_file_index_arg *)arg;
    const telem_i_file_windex *x = a->w->index;
    uint32_t i, n, k = a->level;
    telem_i_file_body_put_varint(b, telem_i_file_back(b->start, x->last[k]));
    telem_i_file_body_put_varint(b, k + 1 < TELEM_I_FILE_LEVELS ? telem_i_file_back(b->start, x->last[k + 1]) : 0);
    telem_i_file_index_entries(b, x, k);
    for (i = n = 0; i < a->w->stream_count; i++) n += a->w->streams[i]->covered[k].rows > 0;
    telem_i_file_body_put_varint(b, n);
    for (i = 0; i < a->w->stream_count; i++) {
        const telem_i_file_wstream *s = a->w->streams[i];
        if (s->covered[k].rows == 0) continue;
        telem_i_file_body_put_varint(b, s->id);
        telem_i_file_body_put_varint(b, b->start - s->schema_pos);
        telem_i_file_body_put_varint(b, s->next_row - s->rows); /* those in the open block come later */
        telem_i_file_body_put_varint(b, s->covered[k].rows);
        telem_i_file_body_put_svarint(b, s->covered[k].min);
        telem_i_file_body_put_varint(b, telem_i_file_since(s->covered[k].min, s->covered[k].max));
    }
}

/* Writes an index block of level k (0-based), and of the next level when that is full. */
static void telem_i_file_index_emit(telem_file_writer *w) {
    telem_i_file_windex *x = w->index;
    telem_i_file_index_arg a;
    uint8_t fields[TELEM_VARINT_MAX];
    uint32_t i, k;
    a.w = w;
    x->busy = 1;
    for (k = 0; k < TELEM_I_FILE_LEVELS; k++) {
        uint64_t pos = telem_i_file_tell(w);
        if (k > 0 && x->below_count[k] < TELEM_I_FILE_FAN) break;
        a.level = k;
        if (telem_i_file_emit(w, TELEM_BLOCK_INDEX, fields, telem_varint_put(fields, k + 1u), telem_i_file_index_body, &a) != TELEM_OK) {
            x->below_count[k] = 0; /* a cache: its children are still found one by one */
            break;
        }
        x->last[k] = pos;
        x->below_count[k] = 0;
        if (k + 1 < TELEM_I_FILE_LEVELS) x->below[k + 1][x->below_count[k + 1]++] = pos;
        for (i = 0; i < w->stream_count; i++) w->streams[i]->covered[k].rows = 0;
    }
    x->count = 0;
    x->busy = 0;
    for (i = 0; i < w->stream_count; i++) w->streams[i]->need_key = 1;
}

static void telem_i_file_index_add(telem_file_writer *w, uint8_t kind, uint64_t pos, telem_i_file_wstream *s) {
    telem_i_file_entry *e;
    if (!w->index || w->error.code != TELEM_OK) return;
    e = &w->index->entries[w->index->count++];
    memset(e, 0, sizeof *e);
    e->kind = kind;
    e->pos = pos;
    if (!s) return;
    e->stream = s->id;
    e->first_row = s->first_row;
    e->rows = s->rows;
    e->min = s->min;
    e->max = s->max;
}

/* Called between blocks, when no stream's state is half changed. */
static void telem_i_file_index_due(telem_file_writer *w) {
    if (w->index && !w->index->busy && w->index->count == w->desc.index_blocks) telem_i_file_index_emit(w);
}

/* >>writer ------------------------------------------------------------------------------------- */

static uint32_t telem_i_file_or(uint32_t v, uint32_t other) { return v ? v : other; }

/* The desc with its defaults. */
static telem_file_writer_desc telem_i_file_writer_defaults(const telem_file_writer_desc *d) {
    telem_file_writer_desc f = *d;
    int wire = d->profile == TELEM_FILE_WIRE;
    f.max_streams = telem_i_file_or(d->max_streams, wire ? 8 : 256);
    f.max_row = telem_i_file_or(d->max_row, wire ? 1024 : 1u << 17);
    f.max_block = telem_i_file_or(d->max_block, wire ? 4096 : 1u << 19);
    f.block_bytes = telem_i_file_or(d->block_bytes, wire ? 512 : 65536);
    if (d->block_bytes == 0 && f.max_block / 2 < f.block_bytes) f.block_bytes = f.max_block / 2;
    f.block_rows = telem_i_file_or(d->block_rows, 65536);
    f.key_bytes = telem_i_file_or(d->key_bytes, wire ? 8192 : 65536);
    f.key_rows = telem_i_file_or(d->key_rows, wire ? 1 : 256);
    if (d->key_ns == 0 && wire) f.key_ns = 5000000000u;
    if (d->max_age_ns == 0) f.max_age_ns = wire ? 100000000u : 1000000000u;
    if (d->announce_ns == 0) f.announce_ns = 5000000000u;
    f.index_blocks = telem_i_file_or(d->index_blocks, 256);
    if (f.index_blocks > f.max_block / TELEM_I_FILE_INDEXED) f.index_blocks = f.max_block / TELEM_I_FILE_INDEXED;
    if (wire || (uint64_t)f.max_streams * 55u + 1024u > f.max_block) f.no_index = 1;
#if defined(TELEM_NO_LZ4)
    f.lz4 = 0;
#endif
    return f;
}

/* One record of what a writer takes from its memory, for the size and for the taking. */
typedef struct telem_i_file_writer_sizes {
    size_t streams, losses, stage, lz4, index, entries;
} telem_i_file_writer_sizes;

typedef struct telem_i_file_wloss {
    uint32_t hop, stream;
    uint64_t total;
} telem_i_file_wloss;

/* Pairs of hop and stream whose losses are summed up. */
static uint32_t telem_i_file_loss_cells(const telem_file_writer_desc *f) { return 3u * f->max_streams + 8u; }

static telem_i_file_writer_sizes telem_i_file_writer_layout(const telem_file_writer_desc *f) {
    telem_i_file_writer_sizes z;
    z.streams = telem_i_file_align8(f->max_streams * sizeof(telem_i_file_wstream *));
    z.losses = telem_i_file_align8(telem_i_file_loss_cells(f) * sizeof(telem_i_file_wloss));
    z.stage = f->io ? telem_i_file_align8(f->io->block_size) : 0;
    z.index = f->no_index ? 0 : telem_i_file_align8(sizeof(telem_i_file_windex));
    z.entries = f->no_index ? 0 : telem_i_file_align8(f->index_blocks * sizeof(telem_i_file_entry));
    z.lz4 = 0;
#if !defined(TELEM_NO_LZ4)
    if (f->lz4) z.lz4 = telem_i_file_align8((size_t)LZ4_sizeofState()) + TELEM_I_FILE_ROOM + telem_i_file_align8(f->block_bytes) + TELEM_I_FILE_SLACK;
#endif
    return z;
}

TELEM_API size_t telem_file_writer_bytes(const telem_file_writer_desc *d) {
    telem_file_writer_desc f = telem_i_file_writer_defaults(d);
    telem_i_file_writer_sizes z = telem_i_file_writer_layout(&f);
    return z.streams + z.losses + z.stage + z.index + z.entries + z.lz4;
}

/* Most bytes that one row can take in a block, token and run token before it included. */
static uint64_t telem_i_file_worst_row(const telem_schema *schema) {
    telem_columns it;
    telem_column col;
    uint64_t n = 3 * TELEM_VARINT_MAX, columns = 0;
    telem_columns_begin(&it, schema);
    while (telem_columns_next(&it, &col)) {
        n += (uint64_t)col.count * (col.width + (telem_i_file_codes_text(col.type) ? 2u * TELEM_VARINT_MAX : 0u));
        columns += col.count;
    }
    return n + (columns + 7u) / 8u * 8u + 8u;
}

static uint64_t telem_i_file_block_capacity(const telem_file_writer_desc *f, const telem_file_stream_desc *s) {
    uint64_t bytes = s->block_bytes ? s->block_bytes : f->block_bytes, worst = telem_i_file_worst_row(s->schema);
    return bytes < worst ? worst : bytes;
}

TELEM_API size_t telem_file_stream_bytes(const telem_file_writer_desc *d, const telem_file_stream_desc *s) {
    telem_file_writer_desc f = telem_i_file_writer_defaults(d);
    return telem_i_file_align8(sizeof(telem_i_file_wstream)) + 2u * telem_i_file_align8(telem_schema_row_size(s->schema)) + TELEM_I_FILE_ROOM +
           telem_i_file_align8((size_t)telem_i_file_block_capacity(&f, s) + TELEM_I_FILE_SLACK);
}

static int64_t telem_i_file_utc_now(void) {
#if TELEM_HAS_SYSTEM
    telem_clock utc = telem_clock_utc();
    return (int64_t)utc.read(utc.user);
#else
    return 0;
#endif
}

static uint64_t telem_i_file_new_session(const void *salt) {
#if TELEM_HAS_SYSTEM
    telem_clock utc = telem_clock_utc(), steady = telem_clock_monotonic();
    uint64_t t[3];
    t[0] = utc.read(utc.user);
    t[1] = steady.read(steady.user);
    t[2] = (uint64_t)(uintptr_t)salt;
    return telem_i_file_hash_pair(t, sizeof t) | 1u;
#else
    (void)salt;
    return 0;
#endif
}

TELEM_API telem_result telem_file_writer_open(telem_file_writer *w, const telem_file_writer_desc *d) {
    telem_file_writer_desc f;
    telem_i_file_writer_sizes z;
    if (!w || !d || !d->io || !d->io->write || !d->memory || ((uintptr_t)d->memory & 7u)) return TELEM_ERR_ARG;
    f = telem_i_file_writer_defaults(d);
    if (f.session == 0) {
        if (f.created == 0) f.created = telem_i_file_utc_now();
        f.session = telem_i_file_new_session(w);
    }
    if (f.session == 0 || f.profile > TELEM_FILE_WIRE || f.max_block < 256 || f.max_block > 1u << 30 || f.max_row > 16777216u ||
        f.max_streams > 65535 || f.block_rows > TELEM_I_FILE_MAX_BLOCK_ROWS || f.block_bytes > f.max_block) return TELEM_ERR_ARG;
    z = telem_i_file_writer_layout(&f);
    if (f.memory_size < z.streams + z.losses + z.stage + z.index + z.entries + z.lz4) return TELEM_ERR_MEMORY;
    memset(w, 0, sizeof *w);
    w->desc = f;
    w->arena.base = (uint8_t *)f.memory;
    w->arena.size = f.memory_size;
    w->streams = (telem_i_file_wstream **)telem_i_file_take(&w->arena, z.streams);
    w->losses = (telem_i_file_wloss *)telem_i_file_take(&w->arena, z.losses);
    if (z.stage) w->stage = (uint8_t *)telem_i_file_take(&w->arena, z.stage);
    if (z.lz4) w->lz4 = (uint8_t *)telem_i_file_take(&w->arena, z.lz4);
    if (z.index) {
        w->index = (telem_i_file_windex *)telem_i_file_take(&w->arena, z.index);
        w->index->entries = (telem_i_file_entry *)telem_i_file_take(&w->arena, z.entries);
    }
#if defined(TELEM_NO_XXH3)
    telem_i_file_framing_init(&w->framing, f.session, f.profile, f.profile == TELEM_FILE_WIRE ? 1 : 8, 1);
#else
    telem_i_file_framing_init(&w->framing, f.session, f.profile, f.profile == TELEM_FILE_WIRE ? 1 : 8, f.profile == TELEM_FILE_WIRE ? 1 : 2);
#endif
    w->open = 1;
    telem_i_file_emit_header(w);
    return w->error.code;
}

static const telem_clock *telem_i_file_find_clock(const telem_file_writer *w, uint32_t id, uint32_t *at) {
    uint32_t i;
    for (i = 0; i < w->clock_count; i++) {
        if (w->clock_ids[i] != id) continue;
        if (at) *at = i;
        return &w->clocks[i];
    }
    return NULL;
}

/* Open and without an error that stuck? */
static telem_result telem_i_file_writable(const telem_file_writer *w) {
    if (!w || !w->open) return TELEM_ERR_STATE;
    return w->error.code;
}

TELEM_API telem_result telem_file_add_clock(telem_file_writer *w, uint32_t id, const telem_clock *clock, const char *name) {
    telem_result r = telem_i_file_writable(w);
    uint32_t i;
    if (r != TELEM_OK) return r;
    if (!clock || clock->bits > 64 || clock->domain > TELEM_DOMAIN_USER) return TELEM_ERR_ARG;
    if (name && strlen(name) > 255) return TELEM_ERR_ARG;
    if (telem_i_file_find_clock(w, id, NULL)) return TELEM_ERR_EXISTS;
    for (i = 0; i < w->stream_count; i++)
        if (w->streams[i]->clock_id == id) return TELEM_ERR_STATE; /* its times would change their meaning */
    if (w->clock_count == TELEM_I_FILE_CLOCKS) return TELEM_ERR_LIMIT;
    w->clocks[w->clock_count] = *clock;
    w->clock_ids[w->clock_count] = id;
    w->clock_names[w->clock_count] = name ? name : "";
    r = telem_i_file_emit_clock(w, w->clock_count);
    if (r == TELEM_OK) w->clock_count++;
    return r;
}

static telem_i_file_wstream *telem_i_file_find_stream(const telem_file_writer *w, uint32_t id) {
    uint32_t i;
    for (i = 0; i < w->stream_count; i++)
        if (w->streams[i]->id == id) return w->streams[i];
    return NULL;
}

static void telem_i_file_look_at_schema(telem_i_file_wstream *s) {
    telem_columns it;
    telem_column col;
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &col)) {
        if (col.presence) s->has_optional = 1;
        if (telem_i_file_is_counter(&col)) s->has_counter = 1;
        if (telem_i_file_codes_variable(col.type)) s->has_variable = 1;
        if (col.type == TELEM_BOOL) s->has_bool = 1;
    }
}

static telem_result telem_i_file_check_stream(const telem_file_writer *w, const telem_file_stream_desc *d) {
    uint32_t i;
    const char *name;
    if (!d || !d->schema || d->id == TELEM_ALL_STREAMS) return TELEM_ERR_ARG;
    if (telem_schema_check(d->schema, NULL) != TELEM_OK) return TELEM_ERR_ARG;
    if (d->clock != 0 && !telem_i_file_find_clock(w, d->clock, NULL)) return TELEM_ERR_NOT_FOUND;
    name = d->name ? d->name : d->schema->name;
    if (strlen(name) == 0 || strlen(name) > 255) return TELEM_ERR_ARG;
    for (i = 0; i < w->stream_count; i++)
        if (w->streams[i]->id == d->id || telem_i_file_same(w->streams[i]->name, name)) return TELEM_ERR_EXISTS;
    if (w->stream_count == w->desc.max_streams) return TELEM_ERR_LIMIT;
    if (telem_schema_row_size(d->schema) > w->desc.max_row) return TELEM_ERR_LIMIT;
    if (telem_i_file_block_capacity(&w->desc, d) + 2u * TELEM_I_FILE_ROOM > w->desc.max_block) return TELEM_ERR_LIMIT;
    if ((uint64_t)telem_schema_encode(d->schema, 0, NULL, 0) + 4u * TELEM_I_FILE_ROOM + strlen(name) > w->desc.max_block) return TELEM_ERR_LIMIT;
    if (w->arena.size - w->arena.used < telem_file_stream_bytes(&w->desc, d)) return TELEM_ERR_MEMORY;
    return TELEM_OK;
}

/* An interval in ticks: 0 stays 0 (never), anything else is a tick at least. */
static uint64_t telem_i_file_ticks(const telem_clock *clock, uint64_t ns) {
    int64_t t = telem_ns_to_ticks(clock, ns > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)ns);
    return ns == 0 ? 0 : t < 1 ? 1u : (uint64_t)t;
}

TELEM_API telem_result telem_file_add_stream(telem_file_writer *w, const telem_file_stream_desc *d) {
    telem_i_file_wstream *s;
    const telem_clock *clock;
    size_t used;
    telem_result r = telem_i_file_writable(w);
    if (r != TELEM_OK || (r = telem_i_file_check_stream(w, d)) != TELEM_OK) return r;
    used = w->arena.used;
    s = (telem_i_file_wstream *)telem_i_file_take(&w->arena, sizeof *s);
    s->schema = d->schema;
    s->name = d->name ? d->name : d->schema->name;
    s->fingerprint = telem_schema_fingerprint(d->schema);
    s->id = d->id;
    s->clock_id = d->clock;
    clock = telem_i_file_find_clock(w, d->clock, NULL);
    if (clock) s->clock = *clock;
    s->row_size = telem_schema_row_size(d->schema);
    s->capacity = (uint32_t)telem_i_file_block_capacity(&w->desc, d);
    s->row = (uint8_t *)telem_i_file_take(&w->arena, s->row_size);
    s->prev = (uint8_t *)telem_i_file_take(&w->arena, s->row_size);
    s->out = (uint8_t *)telem_i_file_take(&w->arena, TELEM_I_FILE_ROOM + s->capacity + TELEM_I_FILE_SLACK) + TELEM_I_FILE_ROOM;
    s->start_row = s->next_row = d->start_row;
    s->need_key = 1;
    s->age_ticks = telem_i_file_ticks(&s->clock, w->desc.max_age_ns);
    s->key_ticks = telem_i_file_ticks(&s->clock, w->desc.key_ns);
    if (w->desc.profile == TELEM_FILE_WIRE) s->announce_ticks = telem_i_file_ticks(&s->clock, w->desc.announce_ns);
    telem_i_file_look_at_schema(s);
    r = telem_i_file_emit_schema(w, s);
    if (r == TELEM_OK) w->streams[w->stream_count++] = s;
    else w->arena.used = used; /* it is not there: rows without their schema could not be read */
    return r;
}

/* On a live link: is the stream to be announced again? */
static int telem_i_file_announce_due(telem_i_file_wstream *s, int64_t time) {
    if (s->announce_ticks == 0) return 0;
    if (!s->has_announced) s->announced = time; /* the first was when it was added */
    s->has_announced = 1;
    if (time < s->announced || telem_i_file_since(s->announced, time) < s->announce_ticks) return 0;
    s->announced = time;
    s->need_key = 1;
    return 1;
}

/* What a reader that joins now needs before the schemas. */
static void telem_i_file_announce_session(telem_file_writer *w) {
    uint32_t i;
    telem_i_file_emit_header(w);
    for (i = 0; i < w->clock_count; i++) (void)telem_i_file_emit_clock(w, i);
}

static void telem_i_file_announce(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
    if (!telem_i_file_announce_due(s, time)) return;
    telem_i_file_announce_session(w);
    (void)telem_i_file_emit_schema(w, s);
}

static int telem_i_file_key_due(const telem_file_writer *w, const telem_i_file_wstream *s, int64_t time) {
    if (s->need_key) return 1;
    if (s->group_bytes >= w->desc.key_bytes && s->group_rows >= w->desc.key_rows) return 1;
    return s->key_ticks && telem_i_file_since(s->key_time, time) >= s->key_ticks;
}

/* Begins a block with the row in s->row. */
static void telem_i_file_begin_block(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
    int null = telem_i_file_has_null(s);
    telem_i_file_announce(w, s, time);
    s->key = (uint8_t)telem_i_file_key_due(w, s, time);
    if (s->key) {
        telem_i_file_reset_prev(s);
        s->need_key = s->saw_null = 0;
        s->key_row = s->next_row;
        s->key_time = time;
        s->group_bytes = s->group_rows = 0;
        s->t = time;
    }
    s->all_present = s->has_optional && !null && !s->saw_null;
    if (s->all_present) telem_i_file_set_presence(s->schema, s->prev);
    s->first_row = s->next_row;
    s->first = s->min = s->max = time;
    s->disorder = 0;
}

/* Codes s->row behind what the block holds. Returns 0 when it does not fit. */
static int telem_i_file_code_token(telem_i_file_wstream *s, int64_t time) {
    uint8_t *p = s->out + s->used, *limit = s->out + s->capacity, *groups, *end;
    int64_t predicted = telem_i_file_plus(s->t, (uint64_t)s->step);
    uint64_t z = telem_zigzag(telem_i_signed(telem_i_file_since(predicted, time)));
    int changed = 0;
    if (s->run) p += telem_varint_put(p, (uint64_t)s->run << 2 | 2u);
    if (!s->has_optional && !s->has_counter && !(z >> 62) && memcmp(s->row, s->prev, s->row_size) == 0) {
        end = p;
    } else {
        groups = p;
        if (z >> 62) {
            *groups++ = 3;
            groups += telem_varint_put(groups, z);
        } else {
            groups += telem_varint_put(groups, z << 2);
        }
        end = telem_i_file_code_row(s, groups, limit, &changed);
        if (!end) return 0;
    }
    if (changed || z >> 62) {
        s->run = 0;
        s->used = (uint32_t)(end - s->out);
    } else if (z == 0) {
        s->run++;
    } else {
        p += telem_varint_put(p, z << 2 | 1u);
        if (p > limit) return 0;
        s->run = 0;
        s->used = (uint32_t)(p - s->out);
    }
    return 1;
}

/* Has the open block waited for max_age? A clock set back by as much counts too. */
static int telem_i_file_too_old(const telem_i_file_wstream *s, int64_t now) {
    uint64_t apart = now > s->first ? telem_i_file_since(s->first, now) : telem_i_file_since(now, s->first);
    return s->age_ticks && apart >= s->age_ticks;
}

/* Takes s->row into the stream. */
static telem_result telem_i_file_take_row(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
    int fresh;
    if (s->rows && (s->rows >= w->desc.block_rows || telem_i_file_too_old(s, time) ||
                    (s->all_present && telem_i_file_has_null(s)))) {
        if (s->all_present && telem_i_file_has_null(s)) s->saw_null = 1;
        (void)telem_i_file_close_block(w, s);
    }
    fresh = s->rows == 0;
    if (fresh) telem_i_file_begin_block(w, s, time);
    if (!telem_i_file_code_token(s, time)) {
        TELEM_ASSERT(!fresh); /* the capacity holds any one row */
        (void)telem_i_file_close_block(w, s);
        telem_i_file_begin_block(w, s, time);
        fresh = 1;
        if (!telem_i_file_code_token(s, time)) return TELEM_ERR_LIMIT;
    }
    if (w->error.code != TELEM_OK) { /* closing the block before failed: this row goes with it */
        s->next_row++;
        s->rows = s->used = s->run = 0;
        telem_i_file_lose(w, s, 1, time, time);
        return w->error.code;
    }
    s->step = fresh && s->key ? 0 : telem_i_signed(telem_i_file_since(s->t, time));
    if (time < s->t && !fresh) s->disorder = 1;
    s->t = time;
    if (time < s->min) s->min = time;
    if (time > s->max) s->max = time;
    if (s->has_optional && !s->all_present) s->saw_null = 1;
    telem_i_file_keep_row(s);
    s->rows++;
    s->next_row++;
    s->taken++;
    w->rows++;
    return TELEM_OK;
}

/* A row form of the caller's own making: bools become 0 or 1, texts must be as long as they say. */
static int telem_i_file_normalise(telem_i_file_wstream *s) {
    telem_columns it;
    telem_column col;
    uint32_t i;
    if (!s->has_variable && !s->has_bool) return 1;
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &col)) {
        uint8_t *p = s->row + col.row;
        for (i = 0; col.type == TELEM_BOOL && i < col.count; i++) p[i] = p[i] != 0;
        for (i = 0; telem_i_file_codes_variable(col.type) && i < col.count; i++, p += col.width)
            if (telem_get32(p) > col.width - 4u) return 0;
    }
    return 1;
}

static telem_result telem_i_file_row_to(telem_file_writer *w, uint32_t stream, int64_t time, const void *rec, int packed) {
    telem_i_file_wstream *s;
    telem_result r;
    if (!w || !w->open) return TELEM_ERR_STATE;
    s = telem_i_file_find_stream(w, stream);
    if (!s) return TELEM_ERR_NOT_FOUND;
    if (w->error.code != TELEM_OK) {
        s->next_row++;
        telem_i_file_lose(w, s, 1, time, time);
        return w->error.code;
    }
    if (packed) {
        memcpy(s->row, rec, s->row_size);
        if (!telem_i_file_normalise(s)) return TELEM_ERR_RANGE;
    } else {
        r = telem_schema_pack(s->schema, rec, s->row);
        if (r != TELEM_OK) return r;
    }
    return telem_i_file_take_row(w, s, time);
}

TELEM_API telem_result telem_file_write(telem_file_writer *w, uint32_t stream, int64_t time, const void *rec) {
    return telem_i_file_row_to(w, stream, time, rec, 0);
}

TELEM_API telem_result telem_file_write_row(telem_file_writer *w, uint32_t stream, int64_t time, const void *row) {
    return telem_i_file_row_to(w, stream, time, row, 1);
}

static uint32_t telem_i_file_length(const char *text, uint32_t n) {
    return n || !text ? n : (uint32_t)strlen(text);
}

static void telem_i_file_loss_body(telem_i_file_body *b, const void *arg) {
    const telem_loss *l = (const telem_loss *)arg;
    telem_i_file_body_put_varint(b, l->hop);
    telem_i_file_body_put_byte(b, l->cause);
    telem_i_file_body_put_byte(b, (uint8_t)((l->at_least ? 1u : 0u) | (l->has_span ? 2u : 0u)));
    telem_i_file_body_put_ref(b, l->stream);
    telem_i_file_body_put_varint(b, l->count);
    telem_i_file_body_put_varint(b, l->total);
    if (l->has_span) {
        telem_i_file_body_put_varint(b, l->clock);
        telem_i_file_body_put_svarint(b, l->first);
        telem_i_file_body_put_varint(b, telem_i_file_since(l->first, l->last));
    }
    telem_i_file_body_put_text(b, l->text, l->text_len);
}

TELEM_API telem_result telem_file_write_loss(telem_file_writer *w, const telem_loss *loss) {
    telem_loss l;
    telem_result r = telem_i_file_writable(w);
    uint32_t i;
    if (r != TELEM_OK) return r;
    if (!loss || loss->cause > TELEM_CAUSE_ABORTED || (loss->has_span && loss->last < loss->first)) return TELEM_ERR_ARG;
    l = *loss;
    l.text_len = telem_i_file_length(l.text, l.text_len);
    if (l.text_len > 65535) return TELEM_ERR_ARG;
    for (i = 0; i < w->loss_count; i++)
        if (w->losses[i].hop == l.hop && w->losses[i].stream == l.stream) break;
    if (i == telem_i_file_loss_cells(&w->desc)) return TELEM_ERR_LIMIT;
    l.total = w->losses[i].total + l.count;
    r = telem_i_file_emit(w, TELEM_BLOCK_LOSS, NULL, 0, telem_i_file_loss_body, &l);
    if (r != TELEM_OK) return r;
    if (i == w->loss_count) w->loss_count++;
    w->losses[i].hop = l.hop;
    w->losses[i].stream = l.stream;
    w->losses[i].total = l.total;
    return TELEM_OK;
}

static void telem_i_file_sync_body(telem_i_file_body *b, const void *arg) {
    const telem_sync *s = (const telem_sync *)arg;
    telem_i_file_body_put_varint(b, s->clock_a);
    telem_i_file_body_put_svarint(b, s->ticks_a);
    telem_i_file_body_put_varint(b, s->clock_b);
    telem_i_file_body_put_svarint(b, s->ticks_b);
    telem_i_file_body_put_varint(b, s->uncertainty);
    telem_i_file_body_put_byte(b, s->step ? 1 : 0);
}

TELEM_API telem_result telem_file_write_sync(telem_file_writer *w, const telem_sync *sync) {
    telem_result r = telem_i_file_writable(w);
    if (r != TELEM_OK) return r;
    if (!sync) return TELEM_ERR_ARG;
    return telem_i_file_emit(w, TELEM_BLOCK_SYNC, NULL, 0, telem_i_file_sync_body, sync);
}

static void telem_i_file_metadata_body(telem_i_file_body *b, const void *arg) {
    const telem_metadata *m = (const telem_metadata *)arg;
    uint8_t bits[8];
    uint64_t u;
    telem_i_file_body_put_ref(b, m->stream);
    telem_i_file_body_put_text(b, m->key, m->key_len);
    telem_i_file_body_put_byte(b, m->type);
    switch (m->type) {
    case TELEM_VALUE_INT: telem_i_file_body_put_svarint(b, m->i); break;
    case TELEM_VALUE_BOOL: telem_i_file_body_put_byte(b, m->i ? 1 : 0); break;
    case TELEM_VALUE_F64:
        memcpy(&u, &m->f, 8);
        telem_put64(bits, u);
        telem_i_file_body_put(b, bits, 8);
        break;
    default: telem_i_file_body_put_text(b, m->data, m->size); break;
    }
}

TELEM_API telem_result telem_file_write_metadata(telem_file_writer *w, const telem_metadata *m) {
    telem_metadata c;
    telem_result r = telem_i_file_writable(w);
    if (r != TELEM_OK) return r;
    if (!m || !m->key || m->type < TELEM_VALUE_TEXT || m->type > TELEM_VALUE_BOOL) return TELEM_ERR_ARG;
    c = *m;
    c.key_len = telem_i_file_length(c.key, c.key_len);
    if (c.type == TELEM_VALUE_TEXT) c.size = telem_i_file_length((const char *)c.data, c.size);
    if (c.key_len == 0 || c.key_len > 255 || c.size > 65535 || (c.size && !c.data)) return TELEM_ERR_ARG;
    return telem_i_file_emit(w, TELEM_BLOCK_METADATA, NULL, 0, telem_i_file_metadata_body, &c);
}

static void telem_i_file_annotation_body(telem_i_file_body *b, const void *arg) {
    const telem_annotation *a = (const telem_annotation *)arg;
    telem_i_file_body_put_ref(b, a->stream);
    telem_i_file_body_put_varint(b, a->clock);
    telem_i_file_body_put_byte(b, a->level);
    telem_i_file_body_put_svarint(b, a->time);
    telem_i_file_body_put_varint(b, a->duration);
    telem_i_file_body_put_text(b, a->text, a->text_len);
}

TELEM_API telem_result telem_file_annotate(telem_file_writer *w, const telem_annotation *a) {
    telem_annotation c;
    telem_result r = telem_i_file_writable(w);
    if (r != TELEM_OK) return r;
    if (!a || a->level > TELEM_LEVEL_FATAL) return TELEM_ERR_ARG;
    c = *a;
    c.text_len = telem_i_file_length(c.text, c.text_len);
    if (c.text_len > 65535) return TELEM_ERR_ARG;
    return telem_i_file_emit(w, TELEM_BLOCK_ANNOTATION, NULL, 0, telem_i_file_annotation_body, &c);
}

TELEM_API telem_result telem_file_writer_poll(telem_file_writer *w, uint32_t clock, int64_t now) {
    uint32_t i, told = 0;
    telem_result r = telem_i_file_writable(w);
    if (r != TELEM_OK) return r;
    for (i = 0; i < w->stream_count; i++) {
        telem_i_file_wstream *s = w->streams[i];
        if (s->clock_id != clock) continue;
        if (s->rows && telem_i_file_too_old(s, now)) (void)telem_i_file_close_block(w, s);
        if (s->rows || !telem_i_file_announce_due(s, now)) continue;
        if (told++ == 0) telem_i_file_announce_session(w);
        (void)telem_i_file_emit_schema(w, s);
    }
    return w->error.code;
}

TELEM_API telem_result telem_file_writer_flush(telem_file_writer *w) {
    uint32_t i;
    telem_result r = telem_i_file_writable(w);
    if (r != TELEM_OK) return r;
    for (i = 0; i < w->stream_count; i++) (void)telem_i_file_close_block(w, w->streams[i]);
    telem_i_file_out_flush(w);
    return w->error.code;
}

TELEM_API telem_result telem_file_writer_sync(telem_file_writer *w) {
    telem_result r = telem_file_writer_flush(w);
    if (r != TELEM_OK || !w->desc.io->sync) return r;
    r = w->desc.io->sync(w->desc.io->user);
    if (r != TELEM_OK) telem_i_file_writer_fail(w, r, "the io's sync failed");
    return r;
}

static void telem_i_file_end_body(telem_i_file_body *b, const void *arg) {
    const telem_file_writer *w = (const telem_file_writer *)arg;
    uint32_t i;
    telem_i_file_body_put_varint(b, w->index ? telem_i_file_back(b->start, w->index->last[0]) : 0);
    telem_i_file_body_put_varint(b, w->seq);
    telem_i_file_body_put_varint(b, w->stream_count);
    for (i = 0; i < w->stream_count; i++) {
        telem_i_file_body_put_varint(b, w->streams[i]->id);
        telem_i_file_body_put_varint(b, b->start - w->streams[i]->schema_pos);
        telem_i_file_body_put_varint(b, w->streams[i]->next_row);
    }
}

/* Rows that the io will never get are lost. */
static void telem_i_file_give_up(telem_file_writer *w) {
    uint32_t i;
    for (i = 0; i < w->stream_count; i++) {
        telem_i_file_wstream *s = w->streams[i];
        uint64_t waiting = s->staged_turn == w->turn ? s->staged_rows : 0;
        if (s->rows + waiting) telem_i_file_lose(w, s, s->rows + waiting, s->min, s->max);
        s->rows = 0;
    }
}

TELEM_API telem_result telem_file_writer_close(telem_file_writer *w) {
    telem_result r;
    if (!w || !w->open) return TELEM_ERR_STATE;
    (void)telem_file_writer_flush(w);
    if (w->index && w->index->count && w->error.code == TELEM_OK) telem_i_file_index_emit(w);
    (void)telem_i_file_emit(w, TELEM_BLOCK_END, NULL, 0, telem_i_file_end_body, w);
    telem_i_file_out_flush(w);
    if (w->desc.io->sync && w->error.code == TELEM_OK) {
        r = w->desc.io->sync(w->desc.io->user);
        if (r != TELEM_OK) telem_i_file_writer_fail(w, r, "the io's sync failed");
    }
    if (w->error.code != TELEM_OK) telem_i_file_give_up(w);
    w->open = 0;
    return w->error.code;
}

TELEM_API telem_error telem_file_writer_error(const telem_file_writer *w) { return w->error; }

/* Rows of a stream that were lost are told. A block begun before them is closed first: behind it
   the row numbers jump. */
static void telem_i_file_tell_loss(telem_file_writer *w, telem_i_file_wstream *s) {
    telem_loss l = TELEM_ZERO;
    if (s->untold == 0 || telem_i_file_close_block(w, s) != TELEM_OK) return;
    l.stream = s->id;
    l.hop = TELEM_HOP_WRITER;
    l.cause = TELEM_CAUSE_IO;
    l.has_span = 1;
    l.clock = s->clock_id;
    l.count = s->untold;
    l.first = s->lost_first;
    l.last = s->lost_last;
    l.text = "";
    l.total = s->lost;
    if (telem_i_file_emit(w, TELEM_BLOCK_LOSS, NULL, 0, telem_i_file_loss_body, &l) == TELEM_OK) s->untold = 0;
}

TELEM_API telem_result telem_file_writer_clear(telem_file_writer *w) {
    static const uint8_t pad[64] = {0};
    uint32_t i;
    if (!w || !w->open) return TELEM_ERR_STATE;
    if (w->error.code == TELEM_OK) return TELEM_OK;
    memset(&w->error, 0, sizeof w->error);
    if (w->stage && w->staged == w->desc.io->block_size) telem_i_file_stage_out(w);
    (void)telem_i_file_out(w, pad, w->framing.align - 1u); /* a block may lack its last bytes */
    if (!w->stage && w->error.code == TELEM_OK) w->turn++;
    if (!w->headed) telem_i_file_emit_header(w);
    for (i = 0; i < w->stream_count && w->error.code == TELEM_OK; i++) telem_i_file_tell_loss(w, w->streams[i]);
    return w->error.code;
}

TELEM_API telem_file_writer_stats telem_file_writer_get_stats(const telem_file_writer *w) {
    telem_file_writer_stats z = TELEM_ZERO;
    z.rows = w->rows;
    z.blocks = w->seq;
    z.bytes = w->pos;
    z.lost = w->lost;
    return z;
}

TELEM_API telem_file_writer_stats telem_file_stream_get_stats(const telem_file_writer *w, uint32_t stream) {
    telem_file_writer_stats z = TELEM_ZERO;
    const telem_i_file_wstream *s = telem_i_file_find_stream(w, stream);
    if (!s) return z;
    z.rows = s->taken;
    z.blocks = s->blocks;
    z.bytes = s->bytes;
    z.lost = s->lost;
    return z;
}

/* >>window -- bytes of the stream that are at hand ---------------------------------------------- */

#define TELEM_I_FILE_QUEUE 8u /* one step makes seven items at most */
#define TELEM_I_FILE_MIN_WINDOW 8192u
#define TELEM_I_FILE_SEARCH (4u << 20) /* bytes before a first stream header that are searched */

/* One stream of a reader. The public part comes first: a telem_file_stream * is one of these. */
typedef struct telem_i_file_rstream {
    telem_file_stream pub;
    struct telem_i_file_rstream *next;
    uint8_t *prev, *row;             /* state P; the row to deliver when some of it is absent */
    uint64_t key_row, key_seq;       /* of the KEY block whose header was seen last */
    uint64_t next_row;               /* one past the last row delivered or told as missing */
    uint64_t doubtful;               /* rows that are lost, but under unknown numbers */
    uint64_t end_row;                /* as the end block says */
    uint64_t schema_hash;
    int64_t key_time, t, step;
    uint32_t columns, presences;
    uint8_t has_optional, has_counter;
    uint8_t has_key;   /* key_* are known */
    uint8_t decodable; /* P is the state behind row next_row - 1 of the group of key_seq */
    uint8_t type;      /* of the group's blocks */
    uint8_t has_time;  /* t is the time of row next_row - 1 */
    uint8_t anywhere;  /* the next KEY block sets next_row without a loss: joined or sought */
    uint8_t has_end;
    uint8_t known;     /* its schema block was read */
    uint64_t scan_rows, scan_next; /* telem_file_reader_scan */
    int64_t scan_first, scan_last;
} telem_i_file_rstream;

static telem_file_item *telem_i_file_push(telem_file_reader *r, telem_item_kind kind, uint64_t offset) {
    telem_file_item *item = &r->queue[r->queued < TELEM_I_FILE_QUEUE ? r->queued++ : TELEM_I_FILE_QUEUE - 1u];
    memset(item, 0, sizeof *item);
    item->kind = kind;
    item->offset = offset;
    return item;
}

static void telem_i_file_damage(telem_file_reader *r, telem_result code, uint64_t offset, uint64_t bytes, const char *what) {
    telem_file_item *item = telem_i_file_push(r, TELEM_ITEM_DAMAGE, offset);
    item->bytes = bytes;
    item->error.code = code;
    item->error.offset = offset;
    item->error.what = what;
}

static telem_result telem_i_file_reader_fail(telem_file_reader *r, telem_result code, uint64_t offset, const char *what) {
    r->error.code = code;
    r->error.offset = offset;
    r->error.what = what;
    return code;
}

static uint8_t *telem_i_file_here(telem_file_reader *r) { return r->window + r->at; }
static size_t telem_i_file_left(const telem_file_reader *r) { return r->have - r->at; }
static uint64_t telem_i_file_where(const telem_file_reader *r) { return r->offset + r->at; }

/* Makes `need` bytes available at the position. TELEM_END when the io has no more now. Reads up to
   r->chunk bytes more than asked. */
static telem_result telem_i_file_fill(telem_file_reader *r, size_t need) {
    size_t want;
    if (telem_i_file_left(r) >= need) return TELEM_OK;
    if (r->at > 0) { /* nothing points into the window between blocks */
        memmove(r->window, r->window + r->at, telem_i_file_left(r));
        r->offset += r->at;
        r->have -= r->at;
        r->at = 0;
    }
    if (need > r->window_size) return TELEM_ERR_LIMIT;
    want = need > r->chunk ? need : r->chunk;
    if (want > r->window_size) want = r->window_size;
    while (r->have < need) {
        int64_t got = r->desc.io->read(r->desc.io->user, r->window + r->have, want - r->have);
        if (got < 0) {
            if (got != TELEM_AGAIN) (void)telem_i_file_reader_fail(r, (telem_result)got, r->offset + r->have, "reading from the io failed");
            return (telem_result)got;
        }
        if (got == 0) return TELEM_END;
        if ((uint64_t)got > want - r->have) return telem_i_file_reader_fail(r, TELEM_ERR_IO, r->offset + r->have, "the io gave more than asked");
        r->have += (size_t)got;
    }
    return TELEM_OK;
}

/* Skips n bytes. What the io does not have yet stays owed. */
static telem_result telem_i_file_skip(telem_file_reader *r, uint64_t n) {
    for (;;) {
        size_t part = telem_i_file_left(r);
        telem_result e;
        if (part > n) part = (size_t)n;
        r->at += part;
        n -= part;
        r->owed = n;
        if (n == 0) return TELEM_OK;
        e = telem_i_file_fill(r, 1);
        if (e != TELEM_OK) return e;
    }
}

static telem_result telem_i_file_goto(telem_file_reader *r, uint64_t pos) {
    telem_result e = r->desc.io->seek(r->desc.io->user, pos);
    if (e != TELEM_OK) return telem_i_file_reader_fail(r, e, pos, "the io cannot seek there");
    r->offset = pos;
    r->at = r->have = 0;
    r->owed = 0;
    r->has_bad = 0;
    r->queued = r->taken = 0;
    r->block.stream = NULL;
    r->entries = NULL;
    r->tail = NULL;
    r->seq_known = 0;
    return TELEM_OK;
}

/* A cursor over bytes that were checked but are still hostile. */
typedef struct telem_i_file_cursor {
    const uint8_t *p, *end;
    uint8_t bad; /* a violation, or bytes missing */
} telem_i_file_cursor;

static telem_i_file_cursor telem_i_file_cursor_at(const uint8_t *p, size_t n) {
    telem_i_file_cursor c;
    c.p = p;
    c.end = p + n;
    c.bad = 0;
    return c;
}
static size_t telem_i_file_cursor_left(const telem_i_file_cursor *c) { return (size_t)(c->end - c->p); }
static uint64_t telem_i_file_take_varint(telem_i_file_cursor *c) {
    uint64_t v = 0;
    int n;
    if (c->p < c->end && *c->p < 0x80u) return *c->p++; /* most are short */
    n = telem_varint_get(c->p, telem_i_file_cursor_left(c), &v);
    if (n < 0) {
        c->bad = 1;
        return 0;
    }
    c->p += n;
    return v;
}
static int64_t telem_i_file_take_svarint(telem_i_file_cursor *c) { return telem_unzigzag(telem_i_file_take_varint(c)); }
static uint64_t telem_i_file_take_limited(telem_i_file_cursor *c, uint64_t max) {
    uint64_t v = telem_i_file_take_varint(c);
    if (v > max) c->bad = 1;
    return c->bad ? 0 : v;
}
static const uint8_t *telem_i_file_take_bytes(telem_i_file_cursor *c, uint64_t n) {
    const uint8_t *p = c->p;
    if (c->bad || n > telem_i_file_cursor_left(c)) {
        c->bad = 1;
        return c->p;
    }
    c->p += (size_t)n;
    return p;
}
static uint8_t telem_i_file_take_byte(telem_i_file_cursor *c) {
    const uint8_t *p = telem_i_file_take_bytes(c, 1);
    return c->bad ? 0 : *p;
}
static const char *telem_i_file_take_text(telem_i_file_cursor *c, uint32_t *n, uint32_t max) {
    *n = (uint32_t)telem_i_file_take_limited(c, max);
    return (const char *)telem_i_file_take_bytes(c, *n);
}
/* ref: 0 is all; else an id */
static uint32_t telem_i_file_take_ref(telem_i_file_cursor *c) {
    uint64_t v = telem_i_file_take_limited(c, UINT32_MAX);
    return v == 0 ? TELEM_ALL_STREAMS : (uint32_t)(v - 1u);
}

/* >>rows-decode -------------------------------------------------------------------------------- */

/* A coded column of the group at hand. */
typedef struct telem_i_file_coded {
    uint32_t at, width, size; /* place in P; bytes; text: most bytes */
    uint8_t type, counter;
} telem_i_file_coded;

typedef struct telem_i_file_decoder {
    telem_i_file_cursor *c;
    uint8_t *prev;
    uint32_t columns;     /* left, those of the open group included */
    uint64_t zeros;       /* unchanged groups left */
    uint8_t n, size, mask, coded_count, numbers;
    telem_i_file_coded coded[8];
} telem_i_file_decoder;

static void telem_i_file_group_open(telem_i_file_decoder *d) {
    d->n = d->mask = d->coded_count = d->numbers = 0;
    d->size = (uint8_t)(d->columns < 8 ? d->columns : 8);
    if (d->size == 0) return;
    if (d->zeros) {
        d->zeros--;
        return;
    }
    d->mask = telem_i_file_take_byte(d->c);
    if (d->mask == 0) {
        d->zeros = telem_i_file_take_limited(d->c, (d->columns - 1u) / 8u);
    } else if (d->mask >> d->size) {
        d->c->bad = 1;
    }
}

static int telem_i_file_decode_number(telem_i_file_decoder *d, const telem_i_file_coded *k, uint32_t tag) {
    uint8_t *p = d->prev + k->at;
    uint32_t n = tag < 8 ? tag + 1u : tag - 7u, i;
    uint64_t v = 0, old = telem_i_file_load(p, k->width);
    const uint8_t *b;
    if (!telem_i_file_codes_float(k->type) && tag >= 8) {
        v = n; /* the residual itself */
    } else {
        if (n > k->width) return 0;
        b = telem_i_file_take_bytes(d->c, n);
        if (d->c->bad) return 0;
        if (d->c->end - b >= 8) v = telem_get64(b) & ~(uint64_t)0 >> (64u - 8u * n);
        else for (i = 0; i < n; i++) v |= (uint64_t)b[i] << (8u * i);
        if (tag >= 8) v <<= 8u * (k->width - n);
    }
    telem_i_file_store(p, k->width, telem_i_file_codes_float(k->type) ? old ^ v : telem_i_file_unresidual(v, old + k->counter));
    return 1;
}

static int telem_i_file_decode_text(telem_i_file_decoder *d, const telem_i_file_coded *k) {
    uint8_t *p = d->prev + k->at;
    uint64_t same = telem_i_file_take_varint(d->c), n = telem_i_file_take_varint(d->c);
    const uint8_t *b;
    uint32_t had = k->size;
    if (telem_i_file_codes_variable(k->type)) {
        had = telem_get32(p);
        p += 4;
    }
    if (d->c->bad || same > had || n > k->size - same) return 0;
    b = telem_i_file_take_bytes(d->c, n);
    if (d->c->bad) return 0;
    if (n) memcpy(p + same, b, (size_t)n);
    memset(p + same + n, 0, (size_t)(k->size - same - n));
    if (telem_i_file_codes_variable(k->type)) telem_put32(p - 4, (uint32_t)(same + n));
    return 1;
}

static int telem_i_file_group_close(telem_i_file_decoder *d) {
    uint32_t i, t = 0, tag_bytes = (d->numbers + 1u) / 2u;
    const uint8_t *tags = telem_i_file_take_bytes(d->c, tag_bytes);
    if (d->c->bad) return 0;
    if ((d->numbers & 1u) && (tags[tag_bytes - 1u] >> 4)) return 0;
    for (i = 0; i < d->coded_count; i++) {
        const telem_i_file_coded *k = &d->coded[i];
        if (telem_i_file_codes_text(k->type)) {
            if (!telem_i_file_decode_text(d, k)) return 0;
        } else {
            uint32_t tag = (uint32_t)(tags[t >> 1] >> ((t & 1u) * 4u)) & 15u;
            t++;
            if (!telem_i_file_decode_number(d, k, tag)) return 0;
        }
    }
    d->columns -= d->size;
    telem_i_file_group_open(d);
    return !d->c->bad;
}

/* Takes column number n of the group: bit set = coded. */
static int telem_i_file_decode_column(telem_i_file_decoder *d, const telem_column *col, uint32_t element, int absent) {
    uint32_t at = col->row + element * col->width;
    uint8_t counter = (uint8_t)telem_i_file_is_counter(col);
    if (d->mask >> d->n & 1u) {
        if (absent) return 0;
        if (col->type == TELEM_BOOL) {
            d->prev[at] ^= 1u;
        } else {
            telem_i_file_coded *k = &d->coded[d->coded_count++];
            k->at = at;
            k->width = col->width;
            k->size = telem_i_file_codes_variable(col->type) ? col->width - 4u : col->width;
            k->type = col->type;
            k->counter = counter;
            if (!telem_i_file_codes_text(col->type)) d->numbers++;
        }
    } else if (counter && !absent) {
        telem_i_file_store(d->prev + at, col->width, telem_i_file_load(d->prev + at, col->width) + 1u);
    }
    return ++d->n < d->size ? 1 : telem_i_file_group_close(d);
}

/* Whole groups without a change inside one run of columns. */
static uint32_t telem_i_file_skip_groups(telem_i_file_decoder *d, const telem_column *col, uint32_t left) {
    uint32_t n = 0;
    if (telem_i_file_is_counter(col)) return 0;
    while (d->n == 0 && d->mask == 0 && d->size == 8 && left - n >= 8 && !d->c->bad) {
        n += 8;
        d->columns -= 8;
        telem_i_file_group_open(d);
    }
    return n;
}

/* Decodes the groups of a row into P. */
static int telem_i_file_decode_groups(telem_i_file_rstream *s, telem_i_file_cursor *c, int all_present) {
    telem_columns it;
    telem_column col;
    telem_i_file_decoder d;
    uint32_t absent_end = 0, i;
    memset(&d, 0, offsetof(telem_i_file_decoder, coded));
    d.c = c;
    d.prev = s->prev;
    d.columns = all_present ? s->columns - s->presences : s->columns;
    telem_i_file_group_open(&d);
    if (c->bad) return 0;
    telem_columns_begin(&it, s->pub.schema);
    while (telem_columns_next(&it, &col)) {
        int absent = col.row < absent_end;
        if (col.presence && all_present) continue;
        for (i = telem_i_file_skip_groups(&d, &col, col.count); i < col.count; i++) {
            if (!telem_i_file_decode_column(&d, &col, i, absent)) return 0;
            if (d.n == 0) i += telem_i_file_skip_groups(&d, &col, col.count - i - 1u);
        }
        if (c->bad) return 0;
        if (col.presence && !absent && s->prev[col.row] == 0) absent_end = col.row + 1u + col.covers;
    }
    return 1;
}

/* A row without a coded column: counters step. */
static void telem_i_file_step_counters(telem_i_file_rstream *s) {
    telem_columns it;
    telem_column col;
    uint32_t absent_end = 0, i;
    if (!s->has_counter) return;
    telem_columns_begin(&it, s->pub.schema);
    while (telem_columns_next(&it, &col)) {
        if (col.row < absent_end) continue;
        if (col.presence && s->prev[col.row] == 0) absent_end = col.row + 1u + col.covers;
        if (!telem_i_file_is_counter(&col)) continue;
        for (i = 0; i < col.count; i++) {
            uint8_t *p = s->prev + col.row + (size_t)i * col.width;
            telem_i_file_store(p, col.width, telem_i_file_load(p, col.width) + 1u);
        }
    }
}

/* The row as it is delivered: what is absent is zero. */
static const uint8_t *telem_i_file_present_row(telem_i_file_rstream *s) {
    telem_columns it;
    telem_column col;
    uint32_t absent_end = 0;
    if (!s->has_optional) return s->prev;
    memcpy(s->row, s->prev, s->pub.row_size);
    telem_columns_begin(&it, s->pub.schema);
    while (telem_columns_next(&it, &col)) {
        if (col.row < absent_end || !col.presence || s->prev[col.row]) continue;
        memset(s->row + col.row + 1u, 0, col.covers);
        absent_end = col.row + 1u + col.covers;
    }
    return s->row;
}

/* The next row of the block at hand into P. TELEM_OK, or CORRUPT / UNSUPPORTED. */
static telem_result telem_i_file_decode_row(telem_file_reader *r) {
    telem_i_file_rblock *b = &r->block;
    telem_i_file_rstream *s = b->stream;
    telem_i_file_cursor c = telem_i_file_cursor_at(b->p, (size_t)(b->end - b->p));
    uint64_t h, z = 0;
    uint32_t kind = 2;
    int64_t time;
    if (b->repeat == 0) {
        h = telem_i_file_take_varint(&c);
        kind = (uint32_t)(h & 3u);
        if (kind == 2) {
            if (c.bad || h >> 2 == 0 || h >> 2 > b->rows) return TELEM_ERR_CORRUPT;
            b->repeat = (uint32_t)(h >> 2);
        } else if (kind == 3) {
            if (!c.bad && h >> 2) return TELEM_ERR_UNSUPPORTED;
            z = telem_i_file_take_varint(&c);
        } else {
            z = h >> 2;
        }
        if (c.bad || (b->first && z)) return TELEM_ERR_CORRUPT;
    }
    if (kind == 0 || kind == 3) {
        if (!telem_i_file_decode_groups(s, &c, b->all_present)) return TELEM_ERR_CORRUPT;
    } else {
        telem_i_file_step_counters(s);
    }
    if (b->repeat) b->repeat--;
    time = telem_i_file_plus(telem_i_file_plus(s->t, (uint64_t)s->step), (uint64_t)telem_unzigzag(z));
    s->step = b->first ? 0 : telem_i_signed(telem_i_file_since(s->t, time));
    s->t = time;
    s->has_time = 1;
    b->first = 0;
    b->p = c.p;
    b->rows--;
    b->row++;
    return TELEM_OK;
}

/* >>blocks-in ---------------------------------------------------------------------------------- */

/* A block's header, taken apart. */
typedef struct telem_i_file_header {
    uint64_t offset, seq, len;
    uint32_t check;        /* H */
    size_t bare, size;     /* header without and with its pad */
    size_t total;          /* the whole block */
    telem_i_file_cursor fields; /* behind seq and len */
    size_t fields_at, fields_left;
    uint8_t type, key, lz4, skip;
    const char *wrong;     /* a violation, as text */
    telem_result code;
} telem_i_file_header;

typedef struct telem_i_file_data {
    uint32_t stream, rows, flags;
    uint16_t tag;
    uint64_t first_row, offset, distance;
    int64_t base_time, first, min, max;
    uint8_t has_times, known; /* known: first_row is absolute */
} telem_i_file_data;

/* Is there a block header at the position whose check holds? TELEM_OK; TELEM_ERR_CORRUPT: no;
   TELEM_END: more bytes are needed. `h` is filled on TELEM_OK. */
static telem_result telem_i_file_read_header(telem_file_reader *r, telem_i_file_header *h) {
    const telem_i_file_framing *f = &r->framing;
    size_t s = telem_i_file_sync_size(f), check_size = s, avail, n;
    const uint8_t *p;
    telem_result e = telem_i_file_fill(r, s + 2u);
    avail = telem_i_file_left(r);
    p = telem_i_file_here(r);
    if (memcmp(p, telem_i_file_sync, avail < s ? avail : s) != 0) return TELEM_ERR_CORRUPT;
    if (e != TELEM_OK) return e;
    n = p[s + 1];
    e = telem_i_file_fill(r, s + 2u + n + check_size);
    if (e != TELEM_OK) return e;
    p = telem_i_file_here(r);
    memset(h, 0, sizeof *h);
    h->check = telem_i_xxh32(p, s + 2u + n, f->seed);
    if (check_size == 2 ? telem_get16(p + s + 2u + n) != (h->check & 0xFFFFu) : telem_get32(p + s + 2u + n) != h->check)
        return TELEM_ERR_CORRUPT;
    h->offset = telem_i_file_where(r);
    h->type = p[s] & 0x1Fu;
    h->key = (p[s] & TELEM_I_FILE_KEY) != 0;
    h->lz4 = (p[s] & TELEM_I_FILE_LZ4) != 0;
    h->skip = (p[s] & TELEM_I_FILE_SKIP) != 0;
    h->fields = telem_i_file_cursor_at(p + s + 2u, n);
    h->seq = telem_i_file_take_varint(&h->fields);
    h->len = telem_i_file_take_varint(&h->fields);
    h->fields_at = (size_t)(h->fields.p - p);
    h->fields_left = telem_i_file_cursor_left(&h->fields);
    h->bare = s + 2u + n + check_size;
    h->size = telem_i_file_aligned(f, h->bare);
    h->code = TELEM_ERR_CORRUPT;
    if (h->fields.bad) h->wrong = "a block's header fields do not parse";
    else if (h->len > r->session.max_block || h->size + h->len > r->window_size || telem_i_file_aligned(f, h->size + (size_t)h->len + 4u) > r->session.max_block) h->wrong = "a block is larger than the stream allows";
    else h->total = telem_i_file_aligned(f, h->size + (size_t)h->len + 4u);
    return TELEM_OK;
}

static int telem_i_file_has_doubts(const telem_file_reader *r);

static telem_i_file_rstream *telem_i_file_rfind(telem_file_reader *r, uint32_t id) {
    telem_i_file_rstream *s;
    if (r->latest && r->latest->pub.id == id) return r->latest;
    for (s = r->streams; s; s = s->next)
        if (s->pub.id == id) return r->latest = s;
    return NULL;
}

/* The stream of an id; one whose schema block was not read yet is made without a schema, so that
   its losses have a place. NULL: no memory, or too many. */
static telem_i_file_rstream *telem_i_file_rstream_get(telem_file_reader *r, uint32_t id) {
    telem_i_file_rstream *s = telem_i_file_rfind(r, id);
    if (s) return s;
    if (r->stream_count >= r->session.max_streams) return NULL;
    s = (telem_i_file_rstream *)telem_i_file_take(&r->arena, sizeof *s);
    if (!s) return NULL;
    s->pub.id = id;
    s->pub.name = s->pub.encoding = s->pub.clock_name = "";
    s->anywhere = 1; /* until the schema tells its first row */
    if (r->last_stream) r->last_stream->next = s;
    else r->streams = s;
    r->last_stream = s;
    r->stream_count++;
    return s;
}

static int telem_i_file_read_data(telem_file_reader *r, telem_i_file_header *h, telem_i_file_data *d) {
    telem_i_file_cursor c = h->fields;
    telem_i_file_rstream *s;
    uint64_t down, up;
    memset(d, 0, sizeof *d);
    d->stream = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX - 1u);
    d->rows = (uint32_t)telem_i_file_take_limited(&c, TELEM_I_FILE_MAX_BLOCK_ROWS);
    d->flags = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX);
    if (c.bad || d->rows == 0) return 0;
    if (d->flags & ~(TELEM_I_FILE_TIMES | TELEM_I_FILE_DISORDER | TELEM_I_FILE_ALL_PRESENT)) {
        h->code = TELEM_ERR_UNSUPPORTED; /* its rows can still be numbered */
        h->wrong = "a data block with unknown flags";
        d->flags = 0;
    }
    s = telem_i_file_rfind(r, d->stream);
    if (h->key) {
        const uint8_t *tag = telem_i_file_take_bytes(&c, 2);
        if (!c.bad) d->tag = telem_get16(tag);
        d->first_row = telem_i_file_take_varint(&c);
        d->base_time = d->first = telem_i_file_take_svarint(&c);
        d->known = 1;
    } else {
        d->distance = telem_i_file_take_varint(&c);
        d->offset = telem_i_file_take_varint(&c);
        if (d->distance == 0 || d->distance > h->seq) return 0;
        if (s && s->has_key && s->key_seq == h->seq - d->distance) {
            d->known = 1;
            d->first_row = s->key_row + d->offset;
            d->base_time = s->key_time;
            if (d->first_row < s->key_row) return 0;
        }
    }
    if (d->known && d->first_row > UINT64_MAX - d->rows) return 0;
    if (d->flags & TELEM_I_FILE_TIMES) {
        if (!h->key) d->first = telem_i_file_plus(d->base_time, (uint64_t)telem_i_file_take_svarint(&c));
        down = d->flags & TELEM_I_FILE_DISORDER ? telem_i_file_take_varint(&c) : 0;
        up = telem_i_file_take_varint(&c);
        d->min = telem_i_file_plus(d->first, 0 - down);
        d->max = telem_i_file_plus(d->first, up);
        d->has_times = d->known;
    }
    return !c.bad;
}

static void telem_i_file_missing(telem_file_reader *r, telem_i_file_rstream *s, uint64_t first, uint64_t count, int at_least, telem_result code,
                            uint64_t offset, const char *what) {
    telem_file_item *item;
    if (count == 0) return;
    s->pub.lost += count;
    item = telem_i_file_push(r, TELEM_ITEM_MISSING, offset);
    item->stream = &s->pub;
    item->row = first;
    item->count = count;
    item->at_least = (uint8_t)(at_least ? 1 : 0);
    item->error.code = code;
    item->error.offset = offset;
    item->error.what = what;
}

/* Rows up to `row` did not come. `time`: of the row after them, if known. */
static void telem_i_file_gap(telem_file_reader *r, telem_i_file_rstream *s, uint64_t row, const int64_t *time, uint64_t offset) {
    s->doubtful = 0; /* they are among these */
    if (s->anywhere) {
        s->anywhere = 0;
        s->next_row = row;
    }
    if (row <= s->next_row) return;
    telem_i_file_missing(r, s, s->next_row, row - s->next_row, 0, TELEM_ERR_CORRUPT, offset, "rows are missing before this block");
    if (time && s->has_time) {
        telem_file_item *item = &r->queue[r->queued - 1u];
        item->has_span = 1;
        item->first = s->t;
        item->last = *time;
    }
    s->next_row = row;
    s->decodable = 0;
}

/* A KEY block's header: what follows it counts from its row, and does not continue what was before. */
static void telem_i_file_see_key(telem_i_file_rstream *s, const telem_i_file_header *h, const telem_i_file_data *d) {
    s->has_key = 1;
    s->decodable = 0;
    s->key_seq = h->seq;
    s->key_row = d->first_row;
    s->key_time = d->base_time;
}

/* A data block whose rows cannot be had: what its header says of them is told. */
static void telem_i_file_lose_block(telem_file_reader *r, const telem_i_file_header *h, const telem_i_file_data *d, telem_result code, const char *what) {
    telem_i_file_rstream *s = telem_i_file_rstream_get(r, d->stream);
    if (!s) return;
    s->decodable = 0;
    if (h->key) telem_i_file_see_key(s, h, d);
    if (!d->known) {
        if (!s->anywhere) s->doubtful += d->rows;
        return;
    }
    if (!s->anywhere && d->first_row < s->next_row) return; /* a repeat */
    telem_i_file_gap(r, s, d->first_row, h->key || d->has_times ? &d->first : NULL, h->offset);
    telem_i_file_missing(r, s, d->first_row, d->rows, 0, code, h->offset, what);
    if (d->has_times) {
        telem_file_item *item = &r->queue[r->queued - 1u];
        item->has_span = 1;
        item->first = d->min;
        item->last = d->max;
    }
    s->next_row = d->first_row + d->rows;
    s->has_time = 0;
}

/* Begins to decode a good block of rows. `p`: its payload. */
static void telem_i_file_begin_rows(telem_file_reader *r, const telem_i_file_header *h, const telem_i_file_data *d, const uint8_t *p, size_t n) {
    telem_i_file_rstream *s = telem_i_file_rstream_get(r, d->stream);
    telem_i_file_rblock *b = &r->block;
    if (!s) {
        telem_i_file_damage(r, TELEM_ERR_MEMORY, h->offset, h->total, "the reader's memory holds no more streams");
        return;
    }
    s->pub.bytes += h->total;
    if (!s->anywhere && d->known && d->first_row < s->next_row) { /* a repeat */
        if (h->key) telem_i_file_see_key(s, h, d);
        return;
    }
    if (h->key) {
        if (!s->known || (uint16_t)(s->pub.fingerprint & 0xFFFFu) != d->tag) {
            telem_i_file_damage(r, TELEM_ERR_CORRUPT, h->offset, h->total, "rows whose schema was not read");
            telem_i_file_lose_block(r, h, d, TELEM_ERR_CORRUPT, "rows whose schema was not read");
            return;
        }
        telem_i_file_gap(r, s, d->first_row, &d->first, h->offset);
        memset(s->prev, 0, s->pub.row_size);
        telem_i_file_see_key(s, h, d);
        s->decodable = 1;
        s->type = h->type;
        s->t = d->base_time;
        s->step = 0;
    } else if (!d->known || !s->decodable || d->first_row != s->next_row || s->type != h->type) {
        telem_i_file_lose_block(r, h, d, TELEM_ERR_CORRUPT, "the block before, which this one continues, is missing");
        return;
    }
    memset(b, 0, sizeof *b);
    b->all_present = (d->flags & TELEM_I_FILE_ALL_PRESENT) != 0;
    if (b->all_present) telem_i_file_set_presence(s->pub.schema, s->prev);
    b->stream = s;
    b->p = p;
    b->end = p + n;
    b->row = d->first_row;
    b->rows = d->rows;
    b->offset = h->offset;
    b->first = h->key;
    b->bytes = h->total;
}

static char *telem_i_file_keep_text(telem_file_reader *r, const char *p, size_t n) {
    char *t = (char *)telem_i_file_take(&r->arena, n + 1u);
    if (t && n) memcpy(t, p, n);
    return t;
}

static void telem_i_file_use_clock(telem_i_file_rstream *s, const telem_i_file_rclock *k) {
    s->pub.clock = k->clock;
    s->pub.clock_name = k->name;
}

static telem_i_file_rclock *telem_i_file_rclock_find(const telem_file_reader *r, uint32_t id) {
    telem_i_file_rclock *k;
    for (k = r->clocks; k; k = k->next)
        if (k->id == id) return k;
    return NULL;
}

static const char *telem_i_file_read_clock(telem_file_reader *r, telem_i_file_header *h, telem_i_file_cursor c) {
    telem_clock k = TELEM_ZERO;
    telem_i_file_rclock *old;
    telem_i_file_rstream *s;
    uint32_t id, n;
    const char *name;
    id = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX);
    k.hz_num = telem_i_file_take_varint(&c);
    k.hz_den = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX);
    k.bits = telem_i_file_take_byte(&c);
    k.domain = telem_i_file_take_byte(&c);
    name = telem_i_file_take_text(&c, &n, 65535);
    if (c.bad || k.hz_num == 0 || k.hz_den == 0 || k.bits == 0 || k.bits > 64) return "a clock block does not parse";
    if (k.domain > TELEM_DOMAIN_USER) {
        h->code = TELEM_ERR_UNSUPPORTED;
        return "a clock of an unknown domain";
    }
    old = telem_i_file_rclock_find(r, id);
    if (old) {
        if (old->clock.hz_num == k.hz_num && old->clock.hz_den == k.hz_den && old->clock.bits == k.bits &&
            old->clock.domain == k.domain && strlen(old->name) == n && memcmp(old->name, name, n) == 0) return NULL;
        return "a clock is declared a second time and differs";
    }
    old = (telem_i_file_rclock *)telem_i_file_take(&r->arena, sizeof *old);
    h->code = TELEM_ERR_MEMORY;
    if (!old || !(old->name = telem_i_file_keep_text(r, name, n))) return "the reader's memory holds no more clocks";
    old->id = id;
    old->clock = k;
    old->next = r->clocks;
    r->clocks = old;
    for (s = r->streams; s; s = s->next)
        if (s->known && s->pub.clock_id == id) telem_i_file_use_clock(s, old);
    telem_i_file_push(r, TELEM_ITEM_CLOCK, h->offset)->clock_id = id;
    return NULL;
}

static void telem_i_file_measure_stream(telem_i_file_rstream *s) {
    telem_columns it;
    telem_column col;
    telem_columns_begin(&it, s->pub.schema);
    while (telem_columns_next(&it, &col)) {
        s->columns += col.count;
        if (col.presence) s->presences++;
        if (telem_i_file_is_counter(&col)) s->has_counter = 1;
    }
    s->has_optional = s->presences > 0;
}

/* A schema block taken apart. */
typedef struct telem_i_file_rschema {
    uint32_t id, clock, name_len, encoding_len;
    uint64_t start_row, fingerprint, n, blob;
    const char *name, *encoding;
    const uint8_t *bytes;
} telem_i_file_rschema;

/* The schema of a foreign encoding: one BLOB. */
static const telem_schema *telem_i_file_foreign_schema(telem_file_reader *r, const telem_i_file_rschema *d) {
    telem_field f = TELEM_ZERO;
    telem_schema_builder b;
    const telem_schema *out = NULL;
    char *name = telem_i_file_keep_text(r, d->name, d->name_len);
    void *memory = telem_i_file_take(&r->arena, 1024u + d->name_len);
    if (!name || !memory) return NULL;
    f.name = "data";
    f.type = TELEM_BLOB;
    f.size = (uint32_t)d->blob;
    if (telem_schema_builder_init(&b, memory, 1024u + d->name_len, name, "") != TELEM_OK) return NULL;
    if (telem_schema_builder_add(&b, &f) != TELEM_OK || telem_schema_builder_finish(&b, &out) != TELEM_OK) return NULL;
    return out;
}

/* Gives a stream its schema and rows. */
static const char *telem_i_file_adopt_schema(telem_file_reader *r, telem_i_file_header *h, const telem_i_file_rschema *d, telem_i_file_rstream *s) {
    telem_i_file_rclock *k = telem_i_file_rclock_find(r, d->clock);
    const telem_schema *schema = NULL;
    if (d->encoding_len == 0) {
        int64_t need = telem_schema_decode_bytes(d->bytes, (size_t)d->n, NULL);
        void *memory;
        if (need == TELEM_ERR_UNSUPPORTED) h->code = TELEM_ERR_UNSUPPORTED;
        if (need < 0) return "a schema does not decode";
        memory = telem_i_file_take(&r->arena, (size_t)need);
        if (memory && telem_schema_decode(d->bytes, (size_t)d->n, memory, (size_t)need, &schema, NULL) != TELEM_OK) return "a schema does not decode";
        if (schema && telem_schema_fingerprint(schema) != d->fingerprint) return "a schema has another fingerprint than its block says";
    } else {
        if (telem_i_file_hash_pair(d->bytes, (size_t)d->n) != d->fingerprint) return "a schema has another fingerprint than its block says";
        schema = telem_i_file_foreign_schema(r, d);
    }
    if (schema) {
        s->pub.row_size = telem_schema_row_size(schema);
        if (s->pub.row_size > r->session.max_row || telem_schema_columns(schema) > r->max_columns) return "a schema's rows are larger than the stream allows";
        s->prev = (uint8_t *)telem_i_file_take(&r->arena, s->pub.row_size);
        s->row = (uint8_t *)telem_i_file_take(&r->arena, s->pub.row_size);
        s->pub.name = telem_i_file_keep_text(r, d->name, d->name_len);
        s->pub.encoding = telem_i_file_keep_text(r, d->encoding, d->encoding_len);
    }
    if (!schema || !s->prev || !s->row || !s->pub.name || !s->pub.encoding) {
        s->pub.name = s->pub.encoding = "";
        h->code = TELEM_ERR_MEMORY;
        return "the reader's memory holds no more schemas";
    }
    s->pub.schema = schema;
    s->pub.fingerprint = d->fingerprint;
    s->pub.clock_id = d->clock;
    s->pub.start_row = d->start_row;
    if (s->anywhere && !r->adrift) {
        s->anywhere = 0;
        s->next_row = d->start_row;
    }
    if (k) telem_i_file_use_clock(s, k);
    telem_i_file_measure_stream(s);
    s->known = 1;
    return NULL;
}

static const char *telem_i_file_read_schema(telem_file_reader *r, telem_i_file_header *h, telem_i_file_cursor c) {
    telem_i_file_rschema d;
    telem_i_file_rstream *s;
    const char *wrong;
    const uint8_t *fp;
    uint64_t hash = telem_i_file_hash_pair(c.p, telem_i_file_cursor_left(&c));
    memset(&d, 0, sizeof d);
    d.id = (uint32_t)telem_i_file_take_limited(&h->fields, UINT32_MAX - 1u);
    d.clock = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX);
    d.start_row = telem_i_file_take_varint(&c);
    d.name = telem_i_file_take_text(&c, &d.name_len, 255);
    d.encoding = telem_i_file_take_text(&c, &d.encoding_len, 255);
    fp = telem_i_file_take_bytes(&c, 8);
    d.fingerprint = c.bad ? 0 : telem_get64(fp);
    d.n = telem_i_file_take_limited(&c, TELEM_MAX_ENCODING);
    d.bytes = telem_i_file_take_bytes(&c, d.n);
    if (d.encoding_len) d.blob = telem_i_file_take_limited(&c, TELEM_MAX_ROW - 4u);
    if (c.bad || h->fields.bad || d.name_len == 0 || (d.encoding_len && d.blob == 0)) return "a schema block does not parse";
    for (s = r->streams; s; s = s->next)
        if (s->known && s->pub.id != d.id && strlen(s->pub.name) == d.name_len && memcmp(s->pub.name, d.name, d.name_len) == 0)
            return "a stream has the name of another";
    s = telem_i_file_rstream_get(r, d.id);
    if (!s) {
        h->code = TELEM_ERR_MEMORY;
        return "more streams than the header or the reader's memory allows";
    }
    if (s->known) return s->schema_hash == hash ? NULL : "a stream is declared a second time and differs";
    wrong = telem_i_file_adopt_schema(r, h, &d, s);
    if (wrong) return wrong;
    s->schema_hash = hash;
    telem_i_file_push(r, TELEM_ITEM_STREAM, h->offset)->stream = &s->pub;
    return NULL;
}

static const char *telem_i_file_read_loss(telem_file_reader *r, telem_i_file_header *h, telem_i_file_cursor c) {
    telem_loss l = TELEM_ZERO;
    uint8_t flags;
    l.hop = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX);
    l.cause = telem_i_file_take_byte(&c);
    flags = telem_i_file_take_byte(&c);
    l.stream = telem_i_file_take_ref(&c);
    l.count = telem_i_file_take_varint(&c);
    l.total = telem_i_file_take_varint(&c);
    l.at_least = flags & 1u;
    l.has_span = (flags >> 1) & 1u;
    if (l.has_span) {
        l.clock = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX);
        l.first = telem_i_file_take_svarint(&c);
        l.last = telem_i_file_plus(l.first, telem_i_file_take_varint(&c));
    }
    if (flags > 3 && !c.bad) {
        h->code = TELEM_ERR_UNSUPPORTED;
        return "a loss block has unknown flags";
    }
    l.text = telem_i_file_take_text(&c, &l.text_len, 65535);
    if (c.bad) return "a loss block does not parse";
    telem_i_file_push(r, TELEM_ITEM_LOSS, h->offset)->loss = l;
    return NULL;
}

static const char *telem_i_file_read_sync(telem_file_reader *r, telem_i_file_header *h, telem_i_file_cursor c) {
    telem_sync s = TELEM_ZERO;
    uint8_t flags;
    s.clock_a = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX);
    s.ticks_a = telem_i_file_take_svarint(&c);
    s.clock_b = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX);
    s.ticks_b = telem_i_file_take_svarint(&c);
    s.uncertainty = telem_i_file_take_varint(&c);
    flags = telem_i_file_take_byte(&c);
    if (c.bad) return "a clock sync block does not parse";
    if (flags > 1) {
        h->code = TELEM_ERR_UNSUPPORTED;
        return "a clock sync block has unknown flags";
    }
    s.step = flags;
    telem_i_file_push(r, TELEM_ITEM_SYNC, h->offset)->sync = s;
    return NULL;
}

static const char *telem_i_file_read_annotation(telem_file_reader *r, telem_i_file_header *h, telem_i_file_cursor c) {
    telem_annotation a = TELEM_ZERO;
    a.stream = telem_i_file_take_ref(&c);
    a.clock = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX);
    a.level = telem_i_file_take_byte(&c);
    a.time = telem_i_file_take_svarint(&c);
    a.duration = telem_i_file_take_varint(&c);
    a.text = telem_i_file_take_text(&c, &a.text_len, 65535);
    if (c.bad || a.level > TELEM_LEVEL_FATAL) return "an annotation block does not parse";
    telem_i_file_push(r, TELEM_ITEM_ANNOTATION, h->offset)->annotation = a;
    return NULL;
}

/* One metadata entry. 1; 0: the end; -1: CORRUPT; -2: a type that is not known. */
static int telem_i_file_read_entry(telem_i_file_cursor *c, telem_metadata *m) {
    const uint8_t *p;
    uint64_t u;
    memset(m, 0, sizeof *m);
    if (c->p == c->end) return 0;
    m->stream = telem_i_file_take_ref(c);
    m->key = telem_i_file_take_text(c, &m->key_len, 255);
    m->type = telem_i_file_take_byte(c);
    if (c->bad || m->key_len == 0) return -1;
    switch (m->type) {
    case TELEM_VALUE_TEXT:
    case TELEM_VALUE_BYTES: m->data = telem_i_file_take_text(c, &m->size, 65535); break;
    case TELEM_VALUE_INT: m->i = telem_i_file_take_svarint(c); break;
    case TELEM_VALUE_BOOL:
        m->i = telem_i_file_take_byte(c);
        if (m->i > 1) return -1;
        break;
    case TELEM_VALUE_F64:
        p = telem_i_file_take_bytes(c, 8);
        u = c->bad ? 0 : telem_get64(p);
        memcpy(&m->f, &u, 8);
        break;
    default: return -2;
    }
    return c->bad ? -1 : 1;
}

/* The entries are delivered one by one from r->entries; first all are checked. */
static const char *telem_i_file_read_metadata(telem_file_reader *r, telem_i_file_header *h, telem_i_file_cursor c) {
    telem_i_file_cursor look = c;
    telem_metadata m;
    int e;
    do {
        const uint8_t *before = look.p;
        e = telem_i_file_read_entry(&look, &m);
        if (e == -2) look.p = before;
    } while (e == 1);
    if (e == -1) return "a metadata block does not parse";
    r->entries = c.p;
    r->entries_end = look.p;
    r->entries_offset = h->offset;
    r->entries_cut = e == -2;
    r->entries_bytes = h->total;
    return NULL;
}

static const char *telem_i_file_read_end(telem_file_reader *r, telem_i_file_header *h, telem_i_file_cursor c) {
    uint64_t n, i;
    telem_i_file_rstream *s;
    (void)telem_i_file_take_varint(&c);
    (void)telem_i_file_take_varint(&c);
    n = telem_i_file_take_limited(&c, r->session.max_streams);
    for (i = 0; i < n && !c.bad; i++) {
        uint32_t id = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX - 1u);
        uint64_t next_row;
        (void)telem_i_file_take_varint(&c);
        next_row = telem_i_file_take_varint(&c);
        if (c.bad) break;
        s = telem_i_file_rstream_get(r, id);
        if (!s) continue;
        s->end_row = next_row;
        s->has_end = 1;
    }
    if (c.bad) return "an end block does not parse";
    r->tail = r->streams;
    r->tail_offset = h->offset;
    r->tail_end = 1;
    return NULL;
}

/* A verified payload, expanded where it is LZ4. */
static const char *telem_i_file_payload(telem_file_reader *r, telem_i_file_header *h, telem_i_file_cursor *c) {
    uint32_t packed = 1u << TELEM_BLOCK_SCHEMA | 1u << TELEM_BLOCK_ROWS | 1u << TELEM_BLOCK_COLUMNS | 1u << TELEM_BLOCK_MINI | 1u << TELEM_BLOCK_ATTACHMENT;
    *c = telem_i_file_cursor_at(telem_i_file_here(r) + h->size, (size_t)h->len);
    if (!h->lz4) return NULL;
    h->code = TELEM_ERR_UNSUPPORTED;
    if (!(packed >> h->type & 1u)) return "a block type that is never LZ4 says it is";
#if defined(TELEM_NO_LZ4)
    return "an LZ4 block: this reader was built without LZ4";
#else
    {
        uint64_t raw = telem_i_file_take_limited(c, r->session.max_block);
        int n;
        if (c->bad || raw == 0) {
            h->code = TELEM_ERR_CORRUPT;
            return "an LZ4 block does not parse";
        }
        if (!r->expanded && !(r->expanded = (uint8_t *)telem_i_file_take(&r->arena, r->session.max_block))) {
            h->code = TELEM_ERR_MEMORY;
            return "the reader's memory is too small to expand LZ4 blocks";
        }
        n = LZ4_decompress_safe((const char *)c->p, (char *)r->expanded, (int)telem_i_file_cursor_left(c), (int)raw);
        h->code = TELEM_ERR_CORRUPT;
        if (n < 0 || (uint64_t)n != raw) return "an LZ4 block does not expand to its size";
        *c = telem_i_file_cursor_at(r->expanded, (size_t)raw);
        return NULL;
    }
#endif
}

static int telem_i_file_is_data(uint8_t type) {
    return type == TELEM_BLOCK_ROWS || type == TELEM_BLOCK_COLUMNS || type == TELEM_BLOCK_MINI;
}

/* Deals with a block whose payload was checked. Returns a text when it is no good. */
static const char *telem_i_file_use_block(telem_file_reader *r, telem_i_file_header *h, const telem_i_file_data *d) {
    telem_i_file_cursor c;
    const char *wrong;
    if (h->type == 0 || h->type > TELEM_BLOCK_CHAIN) {
        h->code = TELEM_ERR_UNSUPPORTED;
        return h->skip ? NULL : "a block of an unknown type";
    }
    if (h->key && !telem_i_file_is_data(h->type)) {
        h->code = TELEM_ERR_UNSUPPORTED;
        return "a reserved bit of the block's kind is set";
    }
    wrong = telem_i_file_payload(r, h, &c);
    if (wrong) return wrong;
    h->code = TELEM_ERR_CORRUPT;
    switch (h->type) {
    case TELEM_BLOCK_SCHEMA: return telem_i_file_read_schema(r, h, c);
    case TELEM_BLOCK_CLOCK: return telem_i_file_read_clock(r, h, c);
    case TELEM_BLOCK_LOSS: return telem_i_file_read_loss(r, h, c);
    case TELEM_BLOCK_SYNC: return telem_i_file_read_sync(r, h, c);
    case TELEM_BLOCK_METADATA: return telem_i_file_read_metadata(r, h, c);
    case TELEM_BLOCK_ANNOTATION: return telem_i_file_read_annotation(r, h, c);
    case TELEM_BLOCK_END: return telem_i_file_read_end(r, h, c);
    case TELEM_BLOCK_INDEX:
    case TELEM_BLOCK_CHAIN: return NULL; /* read when seeking; what they say is a cache */
    case TELEM_BLOCK_ROWS: telem_i_file_begin_rows(r, h, d, c.p, telem_i_file_cursor_left(&c)); return NULL;
    default: break;
    }
    h->code = TELEM_ERR_UNSUPPORTED;
    if (h->type == TELEM_BLOCK_COLUMNS) return "a block in columns coding: this version does not read it";
    if (h->type == TELEM_BLOCK_MINI) return "a block in mini coding: this version does not read it";
    return "an attachment: this version does not read it";
}

/* The stretch of bad bytes that ends here is told. */
static void telem_i_file_bad_ends(telem_file_reader *r) {
    if (!r->has_bad) return;
    r->has_bad = 0;
    telem_i_file_damage(r, r->bad.code, r->bad.offset, telem_i_file_where(r) - r->bad.offset, r->bad.what);
}

static void telem_i_file_bad_begins(telem_file_reader *r, telem_result code, const char *what) {
    if (r->has_bad) return;
    r->has_bad = 1;
    r->bad.code = code;
    r->bad.offset = telem_i_file_where(r);
    r->bad.what = what;
}

/* Blocks between the last one seen and this one did not come. */
static int telem_i_file_sequence(telem_file_reader *r, const telem_i_file_header *h) {
    if (r->seq_known && h->seq < r->seq) return 0; /* a repeat */
    if (r->seq_known && h->seq > r->seq) {
        telem_i_file_damage(r, TELEM_ERR_CORRUPT, h->offset, 0, "blocks are missing before this one");
        r->queue[r->queued - 1u].count = h->seq - r->seq;
    }
    if (h->seq == 0) r->adrift = 0; /* a wire heard from its beginning */
    r->seq = h->seq + 1u;
    r->seq_known = 1;
    return 1;
}

static int telem_i_file_all_zero(const uint8_t *p, size_t n) {
    while (n > 0 && *p == 0) {
        p++;
        n--;
    }
    return n == 0;
}

/* Rows of a block were lost whose header is not to be trusted with their numbers. */
static void telem_i_file_doubt(telem_file_reader *r, const telem_i_file_data *d) {
    telem_i_file_rstream *s = d->rows ? telem_i_file_rfind(r, d->stream) : NULL;
    if (!s) return;
    s->decodable = 0;
    if (!s->anywhere) s->doubtful += d->rows;
}

/* A block header stands at the position and its check holds: the whole block. Returns TELEM_OK when
   something was dealt with (the position moved), TELEM_END when bytes are missing. */
static telem_result telem_i_file_take_block(telem_file_reader *r, telem_i_file_header *h) {
    telem_i_file_data d;
    telem_result e;
    const uint8_t *p = telem_i_file_here(r);
    const char *wrong;
    size_t pad;
    int data = telem_i_file_is_data(h->type);
    memset(&d, 0, sizeof d);
    if (!h->fields.bad && data && !telem_i_file_read_data(r, h, &d)) {
        memset(&d, 0, sizeof d); /* nothing of it is believed */
        if (!h->wrong) h->wrong = "a data block's header fields do not parse";
    }
    if (!h->wrong) {
        e = telem_i_file_fill(r, h->total);
        if (e != TELEM_OK && !(e == TELEM_END && r->finish)) return e;
        p = telem_i_file_here(r); /* the window may have moved */
        h->fields = telem_i_file_cursor_at(p + h->fields_at, h->fields_left);
        if (e != TELEM_OK) { /* it will not become whole any more */
            telem_i_file_bad_ends(r);
            h->code = TELEM_ERR_TRUNCATED;
            h->wrong = "the stream ends inside a block";
        } else if (telem_get32(p + h->size + h->len) != telem_i_file_payload_hash(&r->framing, p + h->size, (size_t)h->len, h->check)) h->wrong = "a block's payload does not match its check";
    }
    if (h->wrong) { /* the header is good, so what it says of rows is known */
        telem_i_file_bad_begins(r, h->code, h->wrong);
        if (r->framing.profile == TELEM_FILE_WIRE) { /* 16 bits of check: its numbers may be noise */
            telem_i_file_doubt(r, &d);
        } else if (!(r->seq_known && h->seq < r->seq)) {
            (void)telem_i_file_sequence(r, h);
            if (data && d.rows) telem_i_file_lose_block(r, h, &d, h->code, h->wrong);
        }
        r->at += h->bare;
        return TELEM_OK;
    }
    telem_i_file_bad_ends(r);
    pad = h->size + (size_t)h->len + 4u;
    if (!telem_i_file_all_zero(p + h->bare, h->size - h->bare)) telem_i_file_damage(r, TELEM_ERR_CORRUPT, h->offset + h->bare, 0, "pad bytes are not 0");
    else if (!telem_i_file_all_zero(p + pad, h->total - pad)) telem_i_file_damage(r, TELEM_ERR_CORRUPT, h->offset + pad, 0, "pad bytes are not 0");
    while (pad < h->total && p[pad] != telem_i_file_sync[0] && p[pad] != telem_i_file_magic[0]) pad++; /* cut inside the pad? */
    if (telem_i_file_sequence(r, h)) {
        r->ended = 0;
        wrong = telem_i_file_use_block(r, h, &d);
        if (wrong) {
            telem_i_file_damage(r, h->code, h->offset, h->total, wrong);
            if (data) telem_i_file_lose_block(r, h, &d, h->code, wrong);
        }
    }
    r->at += pad; /* the window stays until the block's rows and texts are taken */
    return TELEM_OK;
}

/* >>reader ------------------------------------------------------------------------------------- */

/* All state of a session is forgotten. */
static void telem_i_file_reader_reset(telem_file_reader *r) {
    r->arena.used = r->window_size;
    r->streams = r->last_stream = r->latest = r->tail = NULL;
    r->clocks = NULL;
    r->expanded = NULL;
    r->entries = NULL;
    r->block.stream = NULL;
    r->stream_count = 0;
    r->seq = 0;
    r->seq_known = 1;
    r->adrift = r->ended = r->learnt = 0;
}

/* A stream header at the position, complete and with a good check: is it one we can read? */
static telem_result telem_i_file_check_header(telem_file_reader *r, const uint8_t *p, size_t size, const char **what) {
    uint32_t max_block = telem_get32(p + 36), max_row = telem_get32(p + 40), max_streams = telem_get32(p + 44), max_columns = telem_get32(p + 48);
    size_t align = (size_t)1 << (p[13] & 7u);
    *what = "a stream header of a newer major version";
    if (p[8] != TELEM_FILE_FORMAT) return TELEM_ERR_UNSUPPORTED;
    *what = "a stream header with a profile, alignment or hash that is not known";
    if (p[12] > TELEM_FILE_WIRE || p[13] > 6 || p[14] != 1 || p[15] < 1 || p[15] > 2) return TELEM_ERR_UNSUPPORTED;
#if defined(TELEM_NO_XXH3)
    *what = "a stream hashed with XXH3: this reader was built without it";
    if (p[15] == 2) return TELEM_ERR_UNSUPPORTED;
#endif
    *what = "a stream header with unknown incompatible flags or reserved bytes";
    if (telem_get32(p + 24) & ~TELEM_I_FILE_INCOMPAT_JOURNAL) return TELEM_ERR_UNSUPPORTED;
    if (telem_get32(p + 96) != 0 && p[9] == 0) return TELEM_ERR_UNSUPPORTED;
    *what = "a stream header with values out of range";
    if (size % align || telem_get64(p + 16) == 0 || max_block < 256 || max_block > 1u << 30 || max_row == 0 || max_row > TELEM_MAX_ROW ||
        max_streams == 0 || max_streams > 65535 || max_columns == 0 || max_columns > TELEM_MAX_COLUMNS) return TELEM_ERR_CORRUPT;
    if ((telem_get64(p + 88) != 0) != ((telem_get32(p + 24) & TELEM_I_FILE_INCOMPAT_JOURNAL) != 0) || telem_get64(p + 88) % 8 || telem_get64(p + 88) % align || telem_get64(p + 88) >> 62)
        return TELEM_ERR_CORRUPT;
    *what = "a stream whose blocks or rows are above the reader's limits";
    if (r->desc.max_block && max_block > r->desc.max_block) return TELEM_ERR_LIMIT;
    if (r->desc.max_row && max_row > r->desc.max_row) return TELEM_ERR_LIMIT;
    if (r->desc.max_streams && max_streams > r->desc.max_streams) return TELEM_ERR_LIMIT;
    *what = "the reader's memory is smaller than one block of this stream";
    if (max_block > r->arena.size || r->arena.size - max_block < TELEM_I_FILE_MIN_WINDOW) return TELEM_ERR_MEMORY;
    return TELEM_OK;
}

static void telem_i_file_begin_session(telem_file_reader *r, const uint8_t *p, size_t size) {
    telem_file_session *s = &r->session;
    uint64_t journal = telem_get64(p + 88), at = telem_i_file_where(r);
    memcpy(r->header, p, TELEM_I_FILE_HEADER);
    memset(s, 0, sizeof *s);
    s->major = p[8];
    s->minor = p[9];
    s->profile = p[12];
    s->id = telem_get64(p + 16);
    s->max_block = telem_get32(p + 36);
    s->max_row = telem_get32(p + 40);
    s->max_streams = telem_get32(p + 44);
    r->max_columns = telem_get32(p + 48);
    s->file_number = telem_get32(p + 52);
    s->max_age_ns = telem_get64(p + 56);
    s->sequence = telem_get64(p + 64);
    s->previous = telem_get64(p + 72);
    s->created = telem_i_signed(telem_get64(p + 80));
    r->window_size = telem_i_file_align8(s->max_block) + 4096u;
    if (r->window_size < r->have) r->window_size = telem_i_file_align8(r->have); /* what was read stays */
    if (r->window_size > r->arena.size) r->window_size = r->arena.size & ~(size_t)7u;
    telem_i_file_reader_reset(r);
    telem_i_file_framing_init(&r->framing, s->id, s->profile, (uint32_t)1 << p[13], p[15]);
    r->has_session = 1;
    r->start = at;
    r->blocks_at = at + size + journal;
    if (s->profile == TELEM_FILE_WIRE) {
        r->seq_known = 0;
        r->adrift = 1;
    }
    telem_i_file_push(r, TELEM_ITEM_SESSION, at);
    if (journal) {
        int64_t end = r->desc.io->size ? r->desc.io->size(r->desc.io->user) : -1;
        uint64_t there = end < 0 || (uint64_t)end < at + size ? journal : (uint64_t)end - at - size;
        telem_i_file_damage(r, TELEM_ERR_UNSUPPORTED, at + size, there < journal ? there : journal, "a journal zone: this version does not read it");
        r->owed = journal;
    }
}

/* A stream header at the position? TELEM_OK: dealt with; TELEM_ERR_CORRUPT: none; TELEM_END. */
static telem_result telem_i_file_take_header(telem_file_reader *r) {
    telem_result e = telem_i_file_fill(r, 12), code;
    const uint8_t *p = telem_i_file_here(r);
    size_t avail = telem_i_file_left(r), size;
    const char *what;
    if (memcmp(p, telem_i_file_magic, avail < 8 ? avail : 8) != 0) return TELEM_ERR_CORRUPT;
    if (e != TELEM_OK) return e;
    size = telem_get16(p + 10);
    if (size < TELEM_I_FILE_HEADER || size > 4096 || size % 8) return TELEM_ERR_CORRUPT;
    e = telem_i_file_fill(r, size);
    if (e != TELEM_OK) return e;
    p = telem_i_file_here(r);
    if (telem_get32(p + size - 4) != telem_i_xxh32(p, size - 4, 0)) return TELEM_ERR_CORRUPT;
    code = telem_i_file_check_header(r, p, size, &what);
    if (code == TELEM_OK && r->has_session && telem_get64(p + 16) == r->session.id) {
        telem_i_file_bad_ends(r);
        if (memcmp(p, r->header, TELEM_I_FILE_HEADER) != 0) {
            telem_i_file_damage(r, TELEM_ERR_CORRUPT, telem_i_file_where(r), size, "a repeated stream header differs from the first");
        }
        r->at += size;
        return TELEM_OK;
    }
    if (r->stay) return TELEM_END;
    if (code != TELEM_OK) {
        (void)telem_i_file_reader_fail(r, code, telem_i_file_where(r), what);
        telem_i_file_bad_ends(r);
        telem_i_file_bad_begins(r, code, what);
        r->has_session = 0; /* what follows belongs to it, not to the session before */
        r->at += size;
        return TELEM_OK;
    }
    if (r->has_session && !r->ended && r->tail == NULL && telem_i_file_has_doubts(r)) { /* the old session's account first */
        telem_i_file_bad_ends(r);
        r->tail = r->streams;
        r->tail_offset = telem_i_file_where(r);
        r->tail_end = 0;
        return TELEM_OK;
    }
    telem_i_file_bad_ends(r);
    telem_i_file_begin_session(r, p, size);
    r->at += size;
    return TELEM_OK;
}

/* Moves past bytes that cannot begin anything. */
static void telem_i_file_skip_bad(telem_file_reader *r) {
    const uint8_t *p = telem_i_file_here(r) + 1, *end = r->window + r->have;
    while (p < end && *p != telem_i_file_sync[0] && *p != telem_i_file_magic[0]) p++;
    r->at = (size_t)(p - r->window);
}

/* One step through the stream: header, block, free space or damage. */
static telem_result telem_i_file_read_step(telem_file_reader *r) {
    telem_i_file_header h;
    telem_result e, e2;
    size_t n = 0;
    if (r->owed) return telem_i_file_skip(r, r->owed);
    e = telem_i_file_fill(r, 1);
    if (e != TELEM_OK) return e;
    while (n < telem_i_file_left(r) && (telem_i_file_here(r)[n] == 0 || telem_i_file_here(r)[n] == 0xFF)) n++;
    if (n > 0) { /* free space, or part of the damage around it */
        r->at += n;
        return TELEM_OK;
    }
    e = TELEM_ERR_CORRUPT;
    if (r->has_session) e = telem_i_file_read_header(r, &h);
    if (e == TELEM_OK) {
        e = telem_i_file_take_block(r, &h);
        if (e == TELEM_OK) return e;
    }
    if (e == TELEM_ERR_CORRUPT) {
        e2 = telem_i_file_take_header(r);
        if (e2 != TELEM_ERR_CORRUPT) e = e2;
        if (e2 == TELEM_OK) return e2;
    }
    if (e == TELEM_END && r->finish) { /* it will not become whole any more */
        telem_i_file_bad_begins(r, TELEM_ERR_TRUNCATED, "the stream ends inside a block");
        telem_i_file_skip_bad(r);
        return TELEM_OK;
    }
    if (e != TELEM_ERR_CORRUPT) return e;
    telem_i_file_bad_begins(r, TELEM_ERR_CORRUPT, "bytes that belong to no block");
    telem_i_file_skip_bad(r);
    return TELEM_OK;
}

/* The next row of the open block as an item; on a violation the rest of it is lost. */
static int telem_i_file_row_item(telem_file_reader *r, telem_file_item *item) {
    telem_i_file_rblock *b = &r->block;
    telem_i_file_rstream *s = b->stream;
    telem_result e;
    if (b->rows == 0) {
        b->stream = NULL;
        if (b->p == b->end) return 0;
        s->decodable = 0;
        telem_i_file_damage(r, TELEM_ERR_CORRUPT, b->offset, b->bytes, "bytes are left over behind a block's rows");
        return 0;
    }
    e = telem_i_file_decode_row(r);
    if (e != TELEM_OK) {
        b->stream = NULL;
        s->decodable = s->has_time = 0;
        telem_i_file_damage(r, e, b->offset, b->bytes, "a block's rows do not decode");
        telem_i_file_missing(r, s, b->row, b->rows, 0, e, b->offset, "a block's rows do not decode");
        s->next_row = b->row + b->rows;
        return 0;
    }
    s->next_row = b->row;
    s->pub.rows++;
    memset(item, 0, sizeof *item);
    item->kind = TELEM_ITEM_ROW;
    item->offset = b->offset;
    item->stream = &s->pub;
    item->row = b->row - 1u;
    item->time = s->t;
    item->data = telem_i_file_present_row(s);
    return 1;
}

static int telem_i_file_entry_item(telem_file_reader *r, telem_file_item *item) {
    telem_i_file_cursor c = telem_i_file_cursor_at(r->entries, (size_t)(r->entries_end - r->entries));
    memset(item, 0, sizeof *item);
    if (telem_i_file_read_entry(&c, &item->metadata) != 1) {
        r->entries = NULL;
        if (r->entries_cut) telem_i_file_damage(r, TELEM_ERR_UNSUPPORTED, r->entries_offset, r->entries_bytes, "a metadata value of an unknown type");
        return 0;
    }
    item->kind = TELEM_ITEM_METADATA;
    item->offset = r->entries_offset;
    r->entries = c.p;
    return 1;
}

/* At an end (of the session, of the io): what each stream still owes, one stream a call. */
static void telem_i_file_tail_item(telem_file_reader *r) {
    telem_i_file_rstream *s = r->tail;
    uint64_t doubtful = s->doubtful;
    if (!s->known && !r->adrift && r->session.sequence == 0) s->anywhere = 0; /* stands alone: rows from 0 on */
    if (r->tail_end && s->has_end && !s->anywhere) {
        telem_i_file_gap(r, s, s->end_row, NULL, r->tail_offset);
        s->has_end = 0;
    } else if (doubtful && !s->anywhere) {
        telem_i_file_missing(r, s, s->next_row, doubtful, 1, TELEM_ERR_CORRUPT, r->tail_offset, "rows lost whose numbers are not known");
    }
    s->doubtful = 0;
    r->tail = s->next;
    if (r->tail || !r->tail_end) return;
    r->ended = 1;
    (void)telem_i_file_push(r, TELEM_ITEM_END, r->tail_offset);
}

static int telem_i_file_has_doubts(const telem_file_reader *r) {
    const telem_i_file_rstream *s;
    for (s = r->streams; s; s = s->next)
        if (s->doubtful) return 1;
    return 0;
}

TELEM_API telem_result telem_file_next(telem_file_reader *r, telem_file_item *item) {
    telem_result e;
    for (;;) {
        if (r->taken < r->queued) {
            *item = r->queue[r->taken++];
            return TELEM_OK;
        }
        r->taken = r->queued = 0;
        if (r->held) {
            r->held = 0;
            *item = r->held_item;
            return TELEM_OK;
        }
        if (r->block.stream) {
            if (telem_i_file_row_item(r, item)) return TELEM_OK;
        } else if (r->entries) {
            if (telem_i_file_entry_item(r, item)) return TELEM_OK;
        } else if (r->tail) {
            telem_i_file_tail_item(r);
        } else if (r->tail_end && r->streams == NULL) { /* an end block of a session without streams */
            r->tail_end = 0;
            r->ended = 1;
            (void)telem_i_file_push(r, TELEM_ITEM_END, r->tail_offset);
        } else {
            r->tail_end = 0;
            e = telem_i_file_read_step(r);
            if (e == TELEM_OK) continue;
            if (e != TELEM_END || !r->finish) return e;
            if (r->has_bad) {
                telem_i_file_bad_ends(r);
            } else if (!r->ended && telem_i_file_has_doubts(r)) {
                r->tail = r->streams;
                r->tail_offset = telem_i_file_where(r);
            } else {
                return TELEM_END;
            }
        }
    }
}

TELEM_API telem_result telem_file_reader_finish(telem_file_reader *r) {
    if (!r || !r->window) return TELEM_ERR_STATE;
    r->finish = 1;
    return TELEM_OK;
}

TELEM_API telem_result telem_file_reader_open(telem_file_reader *r, const telem_file_reader_desc *d) {
    telem_result e;
    if (!r || !d || !d->io || !d->io->read || !d->memory || ((uintptr_t)d->memory & 7u)) return TELEM_ERR_ARG;
    memset(r, 0, sizeof *r);
    if (d->memory_size < TELEM_I_FILE_MIN_WINDOW + 1024u) return telem_i_file_reader_fail(r, TELEM_ERR_MEMORY, 0, "the reader's memory is below 9 KiB");
    r->desc = *d;
    r->arena.base = r->window = (uint8_t *)d->memory;
    r->arena.size = d->memory_size;
    r->window_size = TELEM_I_FILE_MIN_WINDOW;
    r->chunk = SIZE_MAX;
    while (!r->has_session) {
        e = telem_i_file_read_step(r);
        if (r->error.code != TELEM_OK && e == TELEM_OK) return r->error.code; /* a header, but not for us */
        if (e == TELEM_END && !r->finish && telem_i_file_left(r)) {
            r->finish = 1; /* what looks like a header cut short may hide a whole one */
            continue;
        }
        if (e == TELEM_END) {
            if (!r->has_bad) return telem_i_file_reader_fail(r, TELEM_ERR_TRUNCATED, r->offset + r->have, "the stream is empty");
            if (r->bad.code == TELEM_ERR_TRUNCATED) return telem_i_file_reader_fail(r, TELEM_ERR_TRUNCATED, r->offset + r->have, "the stream ends inside its header");
            return telem_i_file_reader_fail(r, TELEM_ERR_CORRUPT, r->bad.offset, "this is not a telem stream");
        }
        if (e != TELEM_OK) return e;
        if (telem_i_file_where(r) > TELEM_I_FILE_SEARCH) return telem_i_file_reader_fail(r, TELEM_ERR_CORRUPT, 0, "this is not a telem stream");
    }
    r->finish = 0;
    return TELEM_OK;
}

TELEM_API telem_result telem_file_get(const telem_file_item *item, const telem_schema *schema, void *rec) {
    if (!item || item->kind != TELEM_ITEM_ROW || !schema || !rec) return TELEM_ERR_ARG;
    if (item->stream->bound != (const void *)schema) {
        if (telem_schema_fingerprint(schema) != item->stream->fingerprint) return TELEM_ERR_MISMATCH;
        item->stream->bound = schema;
    }
    return telem_schema_unpack(schema, item->data, rec);
}

TELEM_API telem_error telem_file_reader_error(const telem_file_reader *r) { return r->error; }
TELEM_API const telem_file_session *telem_file_reader_session(const telem_file_reader *r) { return &r->session; }
TELEM_API uint32_t telem_file_reader_stream_count(const telem_file_reader *r) { return r->stream_count; }
TELEM_API int telem_file_reader_ended(const telem_file_reader *r) { return r->ended; }

TELEM_API telem_clock telem_file_reader_clock(const telem_file_reader *r, uint32_t id, const char **name) {
    const telem_i_file_rclock *k = telem_i_file_rclock_find(r, id);
    telem_clock none = TELEM_ZERO;
    if (name) *name = k ? k->name : "";
    return k ? k->clock : none;
}

TELEM_API telem_file_stream *telem_file_reader_stream(telem_file_reader *r, uint32_t index) {
    telem_i_file_rstream *s = r->streams;
    while (s && index--) s = s->next;
    return s ? &s->pub : NULL;
}

TELEM_API telem_file_stream *telem_file_reader_find(telem_file_reader *r, const char *name) {
    telem_i_file_rstream *s;
    for (s = r->streams; s; s = s->next)
        if (s->known && telem_i_file_same(s->pub.name, name)) return &s->pub;
    return NULL;
}

/* >>seek --------------------------------------------------------------------------------------- */

#define TELEM_I_FILE_TAIL (256u << 10) /* bytes at the end that are searched for the latest index */
#define TELEM_I_FILE_SMALL 4096u       /* bytes read at a time while only headers matter */

/* What is looked for. */
typedef struct telem_i_file_look {
    telem_i_file_rstream *stream;
    int by_time;
    uint64_t row;
    int64_t time;
    uint64_t key_pos;    /* the KEY block to begin with; 0: none yet */
    uint64_t index_pos;  /* latest level-1 index */
    uint8_t stop;
} telem_i_file_look;

/* A block's header met by telem_i_file_walk; `d` is filled for data blocks. */
typedef void (*telem_i_file_visit)(telem_file_reader *r, telem_i_file_header *h, const telem_i_file_data *d, telem_i_file_look *look);

/* The streams as if nothing had been read. */
static void telem_i_file_streams_restart(telem_file_reader *r, int anywhere) {
    telem_i_file_rstream *s;
    for (s = r->streams; s; s = s->next) {
        s->has_key = s->decodable = s->has_time = s->has_end = 0;
        s->anywhere = (uint8_t)anywhere;
        s->doubtful = 0;
        s->next_row = s->pub.start_row;
        s->pub.rows = s->pub.lost = s->pub.bytes = 0;
    }
}

static void telem_i_file_note_key(telem_file_reader *r, const telem_i_file_header *h, const telem_i_file_data *d) {
    telem_i_file_rstream *s = telem_i_file_rstream_get(r, d->stream);
    if (s && h->key) telem_i_file_see_key(s, h, d);
}

/* Reads on to the next block header, over damage; TELEM_END at the end or at another session. */
static telem_result telem_i_file_next_header(telem_file_reader *r, telem_i_file_header *h) {
    for (;;) {
        telem_result e = telem_i_file_fill(r, 1);
        if (e != TELEM_OK) return e;
        e = telem_i_file_read_header(r, h);
        if (e == TELEM_OK && h->wrong) r->at += h->bare;
        else if (e == TELEM_OK) return e;
        else if (e != TELEM_ERR_CORRUPT) return e;
        else if (telem_i_file_fill(r, TELEM_I_FILE_HEADER) == TELEM_OK && memcmp(telem_i_file_here(r), telem_i_file_magic, 8) == 0 &&
                 telem_get64(telem_i_file_here(r) + 16) != r->session.id) return TELEM_END;
        else telem_i_file_skip_bad(r);
    }
}

/* Is a position behind the end? Some ios refuse to seek there. */
static int telem_i_file_is_behind(const telem_file_reader *r, uint64_t pos) {
    int64_t size = r->desc.io->size ? r->desc.io->size(r->desc.io->user) : -1;
    return size >= 0 && pos > (uint64_t)size;
}

/* Goes through the blocks from `from` on by their headers; payloads are skipped. */
static telem_result telem_i_file_walk(telem_file_reader *r, uint64_t from, telem_i_file_visit visit, telem_i_file_look *look) {
    telem_i_file_header h;
    telem_i_file_data d;
    size_t chunk = r->chunk;
    telem_result e = telem_i_file_goto(r, from);
    r->chunk = TELEM_I_FILE_SMALL;
    while (e == TELEM_OK && !look->stop) {
        uint64_t next;
        e = telem_i_file_next_header(r, &h);
        if (e != TELEM_OK) break;
        next = h.offset + h.total;
        memset(&d, 0, sizeof d);
        if (telem_i_file_is_data(h.type)) {
            if (telem_i_file_read_data(r, &h, &d)) telem_i_file_note_key(r, &h, &d);
            else d.rows = 0;
        }
        visit(r, &h, &d, look);
        r->queued = r->taken = 0;
        if (telem_i_file_where(r) <= next && next - telem_i_file_where(r) <= telem_i_file_left(r)) r->at += (size_t)(next - telem_i_file_where(r));
        else e = telem_i_file_is_behind(r, next) ? TELEM_END : telem_i_file_goto(r, next);
    }
    r->chunk = chunk;
    return e == TELEM_END || e == TELEM_AGAIN ? TELEM_OK : e;
}

/* The payload of the block whose header stands at the position, if its check holds. */
static int telem_i_file_whole_block(telem_file_reader *r, telem_i_file_header *h, telem_i_file_cursor *c) {
    const uint8_t *p;
    if (h->total > r->window_size || telem_i_file_fill(r, h->total) != TELEM_OK) return 0;
    p = telem_i_file_here(r);
    if (telem_get32(p + h->size + h->len) != telem_i_file_payload_hash(&r->framing, p + h->size, (size_t)h->len, h->check)) return 0;
    h->fields = telem_i_file_cursor_at(p + h->fields_at, h->fields_left);
    *c = telem_i_file_cursor_at(p + h->size, (size_t)h->len);
    return 1;
}

/* Schemas and clocks are learnt; rows and times are summed up. */
static void telem_i_file_visit_scan(telem_file_reader *r, telem_i_file_header *h, const telem_i_file_data *d, telem_i_file_look *look) {
    telem_i_file_cursor c;
    telem_i_file_rstream *s;
    (void)look;
    if (h->type == TELEM_BLOCK_SCHEMA || h->type == TELEM_BLOCK_CLOCK) {
        if (telem_i_file_whole_block(r, h, &c)) (void)telem_i_file_use_block(r, h, d);
        return;
    }
    if (d->rows == 0 || !d->known || !(s = telem_i_file_rstream_get(r, d->stream)) || d->first_row < s->scan_next) return;
    if (d->has_times || h->key) {
        int64_t min = d->has_times ? d->min : d->base_time, max = d->has_times ? d->max : d->base_time;
        if (s->scan_rows == 0 || min < s->scan_first) s->scan_first = min;
        if (s->scan_rows == 0 || max > s->scan_last) s->scan_last = max;
    }
    s->scan_rows += d->rows;
    s->scan_next = d->first_row + d->rows;
}

/* Back to the first block, as after open; schemas and clocks stay known. */
static telem_result telem_i_file_rewind(telem_file_reader *r) {
    telem_result e = telem_i_file_goto(r, r->blocks_at);
    telem_i_file_streams_restart(r, r->session.profile == TELEM_FILE_WIRE);
    r->held = r->ended = r->finish = 0;
    r->seq = 0;
    r->seq_known = r->session.profile != TELEM_FILE_WIRE;
    r->adrift = !r->seq_known;
    (void)telem_i_file_push(r, TELEM_ITEM_SESSION, r->start);
    return e;
}

TELEM_API int64_t telem_file_reader_scan(telem_file_reader *r, telem_file_totals *totals, uint32_t cap) {
    telem_i_file_look look;
    telem_i_file_rstream *s;
    telem_result e;
    uint32_t i = 0;
    if (!r || !r->has_session || (cap && !totals)) return TELEM_ERR_ARG;
    if (!r->desc.io->seek) return TELEM_ERR_UNSUPPORTED;
    memset(&look, 0, sizeof look);
    telem_i_file_streams_restart(r, 0);
    for (s = r->streams; s; s = s->next) s->scan_rows = s->scan_next = 0;
    e = telem_i_file_walk(r, r->blocks_at, telem_i_file_visit_scan, &look);
    if (e != TELEM_OK) return e;
    for (s = r->streams; s; s = s->next, i++) {
        if (i >= cap) continue;
        totals[i].rows = s->scan_rows;
        totals[i].first = s->scan_rows ? s->scan_first : 1;
        totals[i].last = s->scan_rows ? s->scan_last : 0;
    }
    r->learnt = 1;
    e = telem_i_file_rewind(r);
    return e != TELEM_OK ? (int64_t)e : (int64_t)r->stream_count;
}

/* Where the target lies as seen from rows [row, next) with times [min, max]. */
typedef enum telem_i_file_side { TELEM_I_FILE_ABSENT, TELEM_I_FILE_OLDER, TELEM_I_FILE_INSIDE, TELEM_I_FILE_NEWER } telem_i_file_side;

static telem_i_file_side telem_i_file_compare(const telem_i_file_look *look, uint64_t row, uint64_t next, int64_t min, int64_t max) {
    if (look->by_time) return look->time <= min ? TELEM_I_FILE_OLDER : look->time <= max ? TELEM_I_FILE_INSIDE : TELEM_I_FILE_NEWER;
    return look->row < row ? TELEM_I_FILE_OLDER : look->row < next ? TELEM_I_FILE_INSIDE : TELEM_I_FILE_NEWER;
}

/* An index block taken apart as far as one stream goes. */
typedef struct telem_i_file_rindex {
    uint64_t pos, previous, up;
    uint32_t level;
    telem_i_file_side side;
    telem_i_file_cursor entries;
    uint64_t count;
} telem_i_file_rindex;

static uint64_t telem_i_file_before(uint64_t pos, uint64_t distance) { return distance && distance < pos ? pos - distance : 0; }

typedef struct telem_i_file_rentry {
    uint64_t distance, first_row, rows;
    uint32_t stream;
    int64_t min, max;
    uint8_t kind, data;
} telem_i_file_rentry;

static void telem_i_file_take_entry(telem_i_file_cursor *c, uint32_t level, telem_i_file_rentry *e) {
    memset(e, 0, sizeof *e);
    if (level > 1) {
        e->distance = telem_i_file_take_varint(c);
        return;
    }
    e->kind = telem_i_file_take_byte(c);
    e->distance = telem_i_file_take_varint(c);
    e->data = (uint8_t)telem_i_file_is_data(e->kind & 0x1Fu);
    if (!e->data) return;
    e->stream = (uint32_t)telem_i_file_take_limited(c, UINT32_MAX);
    e->first_row = telem_i_file_take_varint(c);
    e->rows = telem_i_file_take_varint(c);
    e->min = telem_i_file_take_svarint(c);
    e->max = telem_i_file_plus(e->min, telem_i_file_take_varint(c));
}

/* Reads the index block at pos. 0: there is none. */
static int telem_i_file_read_index(telem_file_reader *r, uint64_t pos, const telem_i_file_look *look, telem_i_file_rindex *x) {
    telem_i_file_header h;
    telem_i_file_cursor c;
    telem_i_file_rentry entry;
    uint64_t i, n;
    memset(x, 0, sizeof *x);
    if (pos == 0 || telem_i_file_goto(r, pos) != TELEM_OK || telem_i_file_read_header(r, &h) != TELEM_OK || h.wrong) return 0;
    if (h.type != TELEM_BLOCK_INDEX || !telem_i_file_whole_block(r, &h, &c)) return 0;
    x->pos = pos;
    x->level = (uint32_t)telem_i_file_take_limited(&h.fields, 8);
    x->previous = telem_i_file_before(pos, telem_i_file_take_varint(&c));
    x->up = telem_i_file_before(pos, telem_i_file_take_varint(&c));
    x->count = telem_i_file_take_varint(&c);
    x->entries = c;
    for (i = 0; i < x->count && !c.bad; i++) telem_i_file_take_entry(&c, x->level, &entry);
    n = telem_i_file_take_varint(&c);
    for (i = 0; i < n && !c.bad; i++) {
        uint32_t id = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX);
        uint64_t next, rows;
        int64_t min, max;
        (void)telem_i_file_take_varint(&c);
        next = telem_i_file_take_varint(&c);
        rows = telem_i_file_take_varint(&c);
        min = telem_i_file_take_svarint(&c);
        max = telem_i_file_plus(min, telem_i_file_take_varint(&c));
        if (id == look->stream->pub.id && rows <= next) x->side = telem_i_file_compare(look, next - rows, next, min, max);
    }
    return !c.bad && x->level > 0 && !h.fields.bad;
}

/* In a level-1 index: the last KEY block of the stream that begins at or before the target. */
static uint64_t telem_i_file_index_key(const telem_i_file_rindex *x, const telem_i_file_look *look) {
    telem_i_file_cursor c = x->entries;
    telem_i_file_rentry e;
    uint64_t i, pos = 0;
    for (i = 0; i < x->count; i++) {
        telem_i_file_take_entry(&c, 1, &e);
        if (c.bad) break;
        if (!e.data || e.stream != look->stream->pub.id) continue;
        if (telem_i_file_compare(look, e.first_row, e.first_row + e.rows, e.min, e.max) == TELEM_I_FILE_OLDER) break;
        if (e.kind & TELEM_I_FILE_KEY) pos = telem_i_file_before(x->pos, e.distance);
    }
    return pos;
}

/* The newest child of an index that is not newer than the target; 0: none. */
static uint64_t telem_i_file_index_child(telem_file_reader *r, const telem_i_file_rindex *x, const telem_i_file_look *look) {
    uint64_t child[TELEM_I_FILE_FAN], n = 0, i;
    telem_i_file_cursor c = x->entries;
    telem_i_file_rentry e;
    telem_i_file_rindex y;
    for (i = 0; i < x->count && n < TELEM_I_FILE_FAN; i++) {
        telem_i_file_take_entry(&c, x->level, &e);
        if (c.bad) return 0;
        child[n++] = telem_i_file_before(x->pos, e.distance);
    }
    while (n-- > 0)
        if (telem_i_file_read_index(r, child[n], look, &y) && (y.side == TELEM_I_FILE_INSIDE || y.side == TELEM_I_FILE_NEWER)) return child[n];
    return 0;
}

/* From the latest index backwards, by the widest steps that the levels allow, to the KEY block
   from which the target can be reached by reading on. */
static uint64_t telem_i_file_find_key(telem_file_reader *r, const telem_i_file_look *look) {
    telem_i_file_rindex x, up;
    uint64_t pos = look->index_pos, key, budget = 4096;
    while (pos && budget-- > 0) {
        if (!telem_i_file_read_index(r, pos, look, &x)) return 0;
        if (x.side == TELEM_I_FILE_INSIDE || x.side == TELEM_I_FILE_NEWER) {
            if (x.level > 1) {
                pos = telem_i_file_index_child(r, &x, look);
                continue;
            }
            key = telem_i_file_index_key(&x, look);
            if (key) return key;
            pos = x.previous; /* the group began before this index */
            continue;
        }
        pos = x.previous;
        if (x.up && telem_i_file_read_index(r, x.up, look, &up))
            if (up.side == TELEM_I_FILE_OLDER || up.side == TELEM_I_FILE_INSIDE || pos <= up.pos) pos = up.pos;
        if (pos >= x.pos) return 0; /* distances only go back */
    }
    return 0;
}

static void telem_i_file_visit_tail(telem_file_reader *r, telem_i_file_header *h, const telem_i_file_data *d, telem_i_file_look *look) {
    telem_i_file_cursor c;
    (void)d;
    if (h->type == TELEM_BLOCK_INDEX && telem_i_file_whole_block(r, h, &c) && telem_i_file_take_varint(&h->fields) == 1) look->index_pos = h->offset;
}

static void telem_i_file_visit_keys(telem_file_reader *r, telem_i_file_header *h, const telem_i_file_data *d, telem_i_file_look *look) {
    (void)r;
    if (d->rows == 0 || d->stream != look->stream->pub.id || !d->known) return;
    if (look->key_pos && (d->has_times || !look->by_time) &&
        telem_i_file_compare(look, d->first_row, d->first_row + d->rows, d->min, d->max) == TELEM_I_FILE_OLDER) {
        look->stop = 1;
        return;
    }
    if (h->key) look->key_pos = h->offset;
}

/* All schemas of the session: seeking may land behind some. */
static telem_result telem_i_file_learn(telem_file_reader *r) {
    int64_t n = r->learnt ? 0 : telem_file_reader_scan(r, NULL, 0);
    return n < 0 ? (telem_result)n : TELEM_OK;
}

static telem_result telem_i_file_locate(telem_file_reader *r, telem_i_file_look *look) {
    int64_t size = r->desc.io->size ? r->desc.io->size(r->desc.io->user) : 0;
    uint64_t from = r->blocks_at;
    telem_result e;
    if (size > 0 && (uint64_t)size > from + TELEM_I_FILE_TAIL) from = (uint64_t)size - TELEM_I_FILE_TAIL;
    e = telem_i_file_walk(r, from, telem_i_file_visit_tail, look);
    if (e != TELEM_OK) return e;
    look->key_pos = telem_i_file_find_key(r, look);
    if (look->key_pos || look->index_pos) return TELEM_OK;
    return telem_i_file_walk(r, r->blocks_at, telem_i_file_visit_keys, look);
}

/* Reads on from the KEY block that was found to the target, which is held for telem_file_next. */
static telem_result telem_i_file_read_up_to(telem_file_reader *r, const telem_i_file_look *look) {
    telem_file_item item;
    telem_i_file_rstream *s;
    telem_result e;
    r->stay = 1; /* the stream ends with its session */
    do {
        e = telem_file_next(r, &item);
        if (e != TELEM_OK) {
            r->stay = 0;
            return e == TELEM_END || e == TELEM_AGAIN ? TELEM_ERR_NOT_FOUND : e;
        }
    } while (item.kind != TELEM_ITEM_ROW || item.stream != &look->stream->pub || (look->by_time ? item.time < look->time : item.row < look->row));
    r->stay = 0;
    for (s = r->streams; s; s = s->next) s->pub.rows = s->pub.lost = s->pub.bytes = 0;
    look->stream->pub.rows = 1;
    r->held_item = item;
    r->held = 1;
    return TELEM_OK;
}

static telem_result telem_i_file_seek(telem_file_reader *r, telem_file_stream *stream, telem_i_file_look *look) {
    telem_result e;
    if (!r || !stream || !r->has_session) return TELEM_ERR_ARG;
    if (!r->desc.io->seek) return TELEM_ERR_UNSUPPORTED;
    look->stream = (telem_i_file_rstream *)(void *)stream;
    r->held = r->finish = r->tail_end = 0;
    e = telem_i_file_learn(r);
    if (e == TELEM_OK) e = telem_i_file_locate(r, look);
    if (e == TELEM_OK) e = telem_i_file_goto(r, look->key_pos ? look->key_pos : r->blocks_at);
    if (e != TELEM_OK) return e;
    telem_i_file_streams_restart(r, 1);
    r->adrift = 1;
    return telem_i_file_read_up_to(r, look);
}

TELEM_API telem_result telem_file_seek_row(telem_file_reader *r, telem_file_stream *stream, uint64_t row) {
    telem_i_file_look look;
    memset(&look, 0, sizeof look);
    look.row = row;
    return telem_i_file_seek(r, stream, &look);
}

TELEM_API telem_result telem_file_seek_time(telem_file_reader *r, telem_file_stream *stream, int64_t time) {
    telem_i_file_look look;
    memset(&look, 0, sizeof look);
    look.by_time = 1;
    look.time = time;
    return telem_i_file_seek(r, stream, &look);
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
