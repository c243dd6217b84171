/* telem_file.h - v0.1 - typed records in a compressed stream that survives - C99 and C++11 - MIT (end of file)

   USE      In ONE .c file: #define TELEM_IMPLEMENTATION, then #include "telem_file.h".
            Needs telem.h and telem_schema.h beside it and xxhash.h (header-only use); lz4.h and
            -llz4 unless TELEM_NO_LZ4 is defined. Of libc: memcpy memset memcmp (columns: memmove).
            No malloc, no stdio; no OS header but for telem_dir_system (OPTIONS).

   QUICK START (examples/file_hello.c is this with a FILE and is built and compared by the tests)

       telem_file_writer w;
       telem_file_writer_desc wd = TELEM_ZERO;
       telem_file_stream_desc sd = TELEM_ZERO;
       wd.io = &io;  wd.memory = mem;  wd.memory_size = sizeof mem; // telem_file_writer_bytes(&wd) and
                              // telem_file_stream_bytes(&wd, &sd): 8 MB do for a few streams on disk
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
       - In a file written with a zero desc it costs one block, but for blocks that say little more
         than that nothing changed (their group: as many bytes as two KEY blocks). Also in the
         stream header, a clock or a schema, which are repeated: a reader that seeks goes on from
         the repeat. Files below 64 KB, or 100 times their header and schemas, have none.
                                                               test_one_byte.c
       - Bytes from outside are hostile: lengths are bounded by what remains, memory by the desc,
         work by the bytes read and rows delivered (a repeated row costs a few bits; a forged
         header costs the hash of one block); no recursion.    fuzz_file.c
       - The same rows give the same bytes on every target, compiler and byte order (LZ4 off; with
         it the bytes depend on the LZ4 version, the rows do not).   golden files, test_golden.c
       - A writer's first error sticks: later calls return it. Rows not written since are counted
         and told by a loss block after telem_file_writer_clear, to the row, whatever write failed;
         a stream that was added meanwhile is there.           test_trouble.c
       - The writer's own health (rows, bytes, losses, worst row time, queue depth, sync times) is a
         stream when asked for.                                health_rows_say_how_the_writer_is
       - Nothing is allocated. Writer memory is telem_file_writer_bytes() plus
         telem_file_stream_bytes() per stream; reader memory is bounded by its desc.
                                                               memory_formulas_are_exact
       - A row costs about the same as the next: full blocks of columns are coded by the rows that come
         after them, some microseconds' worth at a time, never less than a column or 16 KB (desc.pace, step_ns);
         the blocks are the same bytes when one row, or a thread of yours, does it all.
                                                               test_pace.c, make bench-latency
         In the default pace up to two blocks of a stream wait in memory: a crash without a journal loses
         them. A row is with the io max_age after it came, as far as rows come or poll is called.
       - One thread per writer and per reader at a time, and one more that calls telem_file_work beside a
         writer of pace TELEM_FILE_HELPER. A call that writes another block, or must wait for room, then
         waits for a step to end: some microseconds, and longer where the helper may be kept from
         running (give it a processor, or the same priority).               test_pace_threads.c (TSan)
       - Not for interrupt handlers: they push into a telem_ring, and a task drains it into the writer.
       - A column comes back bit for bit (NaN payloads, -0.0, denormals), the same with every
         compiler, instruction set and byte order.             test_columns.c, make bench-file
       - Columns in a coding that a reader does not have (LZ4 under TELEM_NO_LZ4) cost that reader
         these columns only, where it reads by columns.
                                             test_columns.c, unknown_codec_costs_its_column
       - Attachments of any size pass through in chunks, no more of one than a chunk is in memory;
         a chunk that is missing is told, and one flipped byte never passes for good. In a feed they
         go on over rotations.                                 test_attachments.c
                                                               test_feed.c: attachments_go_on_over_rotations
       - Journal mode: a row is in the file when telem_file_write returns; kill -9 loses none of them,
         a power cut at most those since the last sync.       scenario_journal.c, test_journal.c
       - One writer: a second one is refused (TELEM_ERR_BUSY) where the io locks.
                                                               second_writer_is_refused
       - A feed: rotation loses no row; a writer killed in front of or in any step of it leaves files
         that read as one, and the next writer goes on with the next number. Of rows that readers
         did not get in time the exact numbers are told.     test_feed.c: killed_in_any_step_of_rotation,
                   no_room_for_the_next_file_loses_nothing; scenario_feed.c: processes, also with a journal
       - A follower gets each row once, in order, from any start, across files.
                                                               follower_sees_each_row_once
       - What else lies in the directory does no harm and is not touched.
                                                               strangers_in_the_directory_do_no_harm
       - Reads everything this page specifies.

   CONTENTS
       FORMAT      1 notation  2 stream  3 stream header  4 blocks  5 data blocks  6 rows coding
                   7 mini coding  8 columns coding  9 schema, clock  10 loss, sync, metadata,
                   annotation, attachment  11 index, end, chain  12 journal zone  13 reading
                   14 feeds
       API         writer . reader . seeking . feeds (files of one sequence in a directory)
       OPTIONS     TELEM_NO_LZ4   write without LZ4; reading an LZ4 block or column answers
                                  UNSUPPORTED
                   TELEM_FILE_NO_COLUMNS  rows coding only, about a tenth of the code; reading
                                  columns or attachments answers UNSUPPORTED. Set by itself for
                                  Cortex-M, unless TELEM_FILE_MCU_COLUMNS is
                   TELEM_FILE_NO_MINI  without the mini coding: reading it answers UNSUPPORTED
                   TELEM_FILE_NO_O3  gcc: columns are compiled with the flags given. Else they have
                                  -O3 wherever these optimise for speed: -O2 is 1.2 to 1.4 x slower
                   TELEM_FILE_NO_FEEDS  no feeds, no telem_dir. Set by itself for Cortex-M. TELEM_NO_POSIX
                                  leaves out telem_dir_system only
                   TELEM_FILE_NO_JOURNAL  without journal mode, append and the reading of a journal
                                  zone (UNSUPPORTED). Set by itself under TELEM_FILE_NO_COLUMNS
                   TELEM_NO_XXH3  no XXH3: disk profile's payload hash is UNSUPPORTED (for MCUs)
                   For less flash, of the writer only; the bytes stay as they are:
                   TELEM_FILE_NO_ROWS  mini (or columns) only: a writer of rows answers UNSUPPORTED; 0 is mini
                   TELEM_FILE_NO_INDEX  no index blocks, as with desc.no_index
                   TELEM_FILE_TRUST_SCHEMAS  add_stream takes schemas as they are: for those that
                                  TELEM_DEFINE made and that telem_schema_check passed once elsewhere
                   TELEM_NO_TEXT  telem.h: errors without words
                   TELEM_FILE_CLOCKS  clocks of a writer, 16: less RAM (40 bytes each)

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
       nothing changes then, and its first 100 bytes MUST be equal (its size and what it says of the
       journal left out: these stand at 104 and 0 in a repeated one). A header with another session id
       begins a new session: all state (streams, clocks, numbers) starts afresh, so `cat a b` is a
       legal stream. A file's writer repeats the header, clocks and schemas, too, first when 65,536
       bytes or 100 times what they take themselves lie behind the first ones, then at doubling
       distances: a reader that finds a header damaged goes on from its repeat, back to the begin.
       Blocks carry no session id, but their checks are seeded with it: blocks of
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
        88   8  journal       bytes of the journal zone (12) behind this header, a multiple of 8 and A;
                              0 when bit 0 of incompatible is 0. Usual: the header has 4,096 bytes
                              then, so that zone and blocks share no page
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

   7 MINI CODING (type 4): 1 to 32 rows, or any number of idle ones, column by column, for small machines
       Columns: column 0 is the time, then the schema's columns (presence included unless
       ALL_PRESENT). State per column: the last value (v) and the last difference (e, 32 bits,
       signed). KEY: the bits of all values and e are zero; the time's v is base_time. Under
       ALL_PRESENT presence columns stand at v = 1, e = 0.
       payload := mask groups over the columns as in section 6 (u8 mask, 0 followed by a varint of
       further empty groups), each group's coded columns as items behind its mask.
       A column without an item is idle: every row repeats v (a COUNTER steps by one; the time
       advances by e, which stays; else e is 0 afterwards, of a COUNTER 1).
       item := u8 head, data. head bits 0-6: width b, 0..64; bit 7: linear.
         Numbers (also BOOL and presence, as 0 or 1): `rows` residuals of b bits each, packed from
         the lowest bit of the first byte on, the last byte filled with 0 bits. The value is
         pred + unzigzag(residual) modulo the column's width; pred = v, or v + e with `linear`;
         after each row e = value - v (cut to 32 bits), v = value. COUNTER without `linear`:
         pred = v + 1. A BOOL above 1, bits left over that are not 0: CORRUPT.
         Values of absent fields are coded like any other (0 residuals cost least).
         Floats are coded as integers: F16 BF16 F32 F64 by the order-preserving map
         m(x) = x has its sign bit ? ~x : x with the sign bit set, over their bits; or, when the
         schema declares 0 to 9 decimals for an F32 field and bits 0-6 say 65 to 127 (b is that
         minus 65), as a signed 32-bit k with value = (float)k / (float)10^decimals, rounded once;
         v is then k. Items of a column of the other kind than its first in a group from KEY block
         to KEY block: CORRUPT.
         Text: the head is 0 (else CORRUPT); then for each row the form of section 6 (p, n, bytes)
         against the row before, absent or not.
       A block in which no column has an item may have more than 32 rows: each is the one before, a time
       step later. More than 32 rows and an item, a violation, bytes left over: CORRUPT, and all rows
       of the block are lost.
       An encoder joins blocks without an item until it must flush (block_rows rows at a time, then one
       fewer; not in streams with COUNTERs), makes a KEY block of one row (b would be that of whole
       values for all of them), takes linear when that makes b smaller (in 4 bytes or fewer: of the
       first 4 rows already), no item for what is idle, and k when each value that waits with the
       column's first item in the group has one below 2^24 (a later value without one begins a
       group): equal rows and flushes give equal bytes.

   8 COLUMNS CODING (type 3): the rows of a block column by column
     8.1 The block
       Row repeat first: a row repeats the one before it when its time is the expected one (time
       before + last step, as in section 6; 0 after a KEY block's first row) and no value changed but
       COUNTERs, which step by one. The first row of a block never repeats. The other rows are the
       DISTINCT ones, 1 to 65,536 of them; n below is their number.
       Columns, numbered: 0 the run lengths (u32: how many rows repeat each distinct one), 1 the
       time (i64), from 2 on the schema's columns in order, presence columns included unless
       ALL_PRESENT (then they all hold 1). A column of an array or nested struct is one for each
       element. Values of absent fields are stored, too: any (a writer repeats the last, which costs
       least); they are delivered as zero bytes.
       Values stored: COUNTERs less the number of their row in the block (from 0, rows that repeat
       counted), modulo their width. Column 1: where all rows are distinct, time - base_time of the
       KEY block; else the time less the expected one; the first row of a KEY block: 0, else CORRUPT. CHARS and
       BYTES: without the zero bytes at their end, as texts. Column 0 is coded exactly when n is not
       `rows`; n + the sum of the run lengths other than rows: CORRUPT.
       A column that is not coded is told by the state that the block before left, i.e. the values
       of its last row (KEY: all zero), COUNTERs plus one: every row has that value (COUNTERs step
       from it); column 1: every row has the expected time. After the block the state is its last
       row and step. Under ALL_PRESENT presence columns are 1 in the state, too.
     8.2 Payload := head, data
       u8 form        bit 0 INDEXED, bit 1 ALIGNED, bit 2 KEYS; others reserved
       varint n       1..rows, at most 65,536
       [INDEXED]      varint rest: bytes of the head behind this varint
       [KEYS]         u8 keys (1..8), for each: varint m (1..8), m x varint column (2 and up;
                      each column in one key at most, and once), varint nd (1..n), varint length
                      (of its index item), [INDEXED] u32 check
       [INDEXED]      for each section: varint bytes of its directory, varint bytes of its data
       directory      section by section: 64 columns each, the last may have fewer
       [INDEXED]      u32 head check: payload hash of the payload's bytes before it, seeded with the
                      block's H
       [ALIGNED]      zero bytes up to a multiple of A from the payload's start (these and those before
                      a column of codec 0 are not looked at)
       data           the index items of the keys, then the coded columns, in order
       A section of the directory := mask groups over its columns as in section 6: u8 mask, bit i =
       column i of the eight is coded (bits beyond the last column: CORRUPT); 0 is followed by a
       varint of further groups of this section in which none is. Behind each mask, for each
       coded column:
         u8 codec     bits 0-5 the codec, bit 6 GROUPED, bit 7 BOUNDS
         varint length of its data
         [GROUPED]    u8 key
         [BOUNDS]     u8 lo, u8 hi: smallest and largest present value rounded outward: the high
                      byte of the order-preserving map m (section 7) of its bits (integers: of
                      value XOR the sign bit). Hints
         [INDEXED]    u32 check, when this column ends a chunk
       A column of codec 0 lies at the next multiple of A from the data's start (zero bytes before
       it; they are not counted in its length but in its section's and chunk's); the others follow
       each other without a gap. The data must end where the payload ends.
       Checks (INDEXED): a chunk is a run of coded columns of one section; it ends with the first
       column with which it has 1,024 bytes or more, and with the section. Its check, behind the
       entry of that last column (or, for the rest of a section, behind the section's last group),
       is the payload hash of its bytes seeded with S of section 4; an index item is a chunk of its
       own. A chunk of 0 bytes has no check. They repeat what the block's payload check says, so
       that a reader of few columns can do without it: it reads header, head and the chunks it
       needs. A reader of all of the block need not look at them, nor at the sizes of the
       sections; `rest` must be right (else CORRUPT). A writer sets INDEXED for blocks
       with 16,384 bytes of data or more: the checks cost at most 0.4 %.
     8.3 Keys: rows of many sources that interleave
       A key's index item holds n numbers below nd: the number of the row's tuple of the member
       columns' values, counted in the order of first occurrence (8.7 tells its bytes; a number that
       is more than one above all before it, or fewer than nd: CORRUPT). Member columns have nd
       values, one for each tuple, in that order; they are never GROUPED. A GROUPED column has its n
       values in the order of the stable counting sort of the rows by the index of its key: place(i)
       is the place of row i; the value of row i is the one stored at place(i).
     8.4 Codecs
       0 raw        numbers: the values, little-endian, w bytes each. Texts: u32 offset of each and
                    one more (the first is 0), then the bytes
       1 constant   one value that all rows have: w bytes; a text: its bytes
       2..31        numbers: 8.6     32..47 texts: 8.7
       A reader answers UNSUPPORTED for a column of any other codec, and for that column only.
       Numbers have w = 1, 2, 4 or 8 bytes; BOOL and presence are numbers of w = 1, 0 or 1 (else
       CORRUPT). A length that does not fit its codec, bytes of an item left over, a text longer
       than its field: CORRUPT for that column; a reader of rows loses the block's rows.
        8.5 INTEGER STREAMS
            n integers of W = 32 or 64 bits (the codec that holds the stream says which); all arithmetic is
            modulo 2^W, and a value read as signed is two's complement. The stream ends where its item does,
            or its length stands before it: no byte may be left over, none may be missing; either is CORRUPT,
            and so is every violation below.

            value(v)  the varint of zigzag(v) = (v << 1) xor (v < 0 ? 2^W - 1 : 0); above 2^W - 1: CORRUPT.
            bits      a bit string: its first bit is bit 0 of the first byte; a field of b bits has its lowest
                      bit first. It ends with the byte that its last bit lies in; what is left of that byte is
                      written 0 and not looked at.

            stream := u8 head, [u8 lag], heads, residuals
            head    bits 0..3 the predictor, bits 4..7 the coder. n = 0: the byte 0 alone.

            PREDICTOR p          heads h   residual of x[i], i >= h
            0 value                 0      x[i]
            1 delta                 1      x[i] - x[i-1]
            2 delta of delta        2      x[i] - 2 x[i-1] + x[i-2]
            3 third difference      3      x[i] - 3 x[i-1] + 3 x[i-2] - x[i-3]
            4 lag L                 1      x[i] - x[max(i - L, 0)]
            5 delta at lag L        2      d[i] - d[max(i - L, 1)] where d[i] = x[i] - x[i-1]
            Other predictors and coders: CORRUPT. lag (u8, 1..255) stands for 4 and 5 only. n must be above
            h + L (L = 0 without a lag).
            heads := h times value: x[0], then x[1] - x[0], then x[2] - 2 x[1] + x[0].
            residuals are m = n - h integers r[0 .. m), r[j] being that of x[j + h], by one of four coders:

            0 CONSTANT   value: every r[j] is it.

            1 PACKED     vectors of 1,024 residuals, the last one of what is left (1..1,024), c in each:
                u8 w               bits 0..6 width 0..W; bit 7: exceptions
                value base         less the base of the vector before it (the first: itself)
                [exceptions]       varint e (<= c), u8 g (1..W - w), then bits: e times {position 10, high g}
                packed             ceil(c * w / 8) bytes, u[0 .. c) of w bits each
                r = base + u, and for an exception + (high << w). Position < c; one position twice adds twice.
                packed: words of V bits, little-endian, V = 32 where w <= 32, else 64. K = floor(c / V) lanes.
                Word q of lane l (0..K-1) is word q * K + l; a lane is a string of w such words, its bits
                counted from bit 0 of word 0; u[j * K + l] is the w bits from bit j * w of lane l, j = 0..V-1.
                Behind the K * w words the last c - K * V values as bits, w each.

            2 SPARSE     most residuals are alike. value common; varint count; varint length; gaps; values
                gaps    an integer stream of `count` 32-bit unsigned integers, `length` bytes
                values  an integer stream of `count` W-bit integers, to the end
                Neither may be SPARSE itself. count <= m / 4. Every r = common, but for `count` exceptions: a gap
                counts the residuals between the exception before (or the start) and this one, whose r is
                common + value. Positions must be below m.

            3 BINNED     tANS over bins: a bin is a range of 2^width numbers, chosen by an entropy coder, and
                an offset in it. value base; then bits:
                  1      z
                  3      log - 6: there are M = 2^log states, log <= 11
                  7      top <= W: the bins lie in [0, 2^top)
                  tree   see below
                  k * log  the states s[0 .. k): k = 4 for m < 1,024, else 8
                  3        skip of the first string
                  3        only with k = 8: skip of the second one
                and from the next byte on, with k = 8, varint length of the first string; then the strings, one
                (k = 4) or two. The second one ends where the stream does. A string is a bit string of which
                the first `skip` bits are not looked at. Both together have at most m * V / 8 + 512 bytes, V
                being 32 where top <= 32, else 64.
                Residual from number u: r = base + u when z = 0, base + unzigzag(u) when z = 1 (u >> 1, all bits
                inverted when bit 0 of u is set).

                Tree, in preorder, the root is [0, 2^top): bit 1 splits a node into its lower and upper half
                (of a node of one number: CORRUPT); bit 0 makes it a leaf, and a weight follows:
                  0                           the leaf is empty
                  1, unary d4, 2 bits d0      q = q before (32 at first) + unzigzag(4 * d4 + d0); unary d4 is
                                              d4 bits 1 and a bit 0; 4 * d4 + d0 <= 131; q must be 1..63
                Leaves that are not empty are the bins b = 0 .. B - 1, in order; 1 <= B <= 128, 2 B <= M.

                States per bin: weight(q) = (4 + (q and 3)) << (q >> 2); S their sum; A(b) the sum of those of
                bins 0 .. b - 1; R = floor((M - B) * 2^32 / S) + 1; g(b) = floor(A(b) * R / 2^32);
                f(b) = 1 + g(b+1) - g(b). Their sum is M.
                States 0 .. M - 1 in order: floor(f(b) / 2) of them for each b = 0 .. B - 1, then the others of
                each b, f(b) - floor(f(b) / 2), for b = 0 .. B - 1. x = f(b) for the first state of bin b, one
                more for each later one; few = log - floor(log2 x); next = (x << few) - M.

                k = 4: the string holds all values. k = 8: the first one holds h = 4 * floor(m / 8) values with
                the states s[0 .. 4), the second one the m - h others with s[4 .. 8). For the values j = 0, 1 ..
                of a string, t = its state number j mod 4, of bin b: few bits a, then width(b) bits c from the
                string; u = low(b) + c; that state becomes next(t) + a.
                Behind its last value a string must be at its very end and its 4 states 0.
          8.6 NUMBERS (codecs 2 to 12; 7 is not used)
            int32(n), int64(n) are the integer streams of 8.5: n numbers of 32 or 64 bits. "sized x" is varint
            size, then x in exactly that many bytes; what is not sized takes the rest. w: bytes of the column's
            type, n: its values. Integers include ENUM, BITS and BOOL; BOOL other than 0 and 1 is CORRUPT.
            Values are little-endian where they stand in bytes. A codec that is not for the type: CORRUPT.

            Integers
            2 plain 32     int32(n). The low 8 w bits of each; w = 8: sign-extended
            3 plain 64     int64(n). The low 8 w bits of each
            4 lattice 32   svarint o, varint g (1 to 2^32 - 1), int32(n) u: o + g * u modulo 2^64, u unsigned;
                           the low 8 w bits
            5 lattice 64   svarint o, varint g (1..), int64(n) u: o + g * u modulo 2^64; the low 8 w bits
            Floats
            6 ordered      F16, BF16: int32(n), the low 16 bits t of each. F32: int32(n). F64: int64(n). The bits
                           of the value are t, and where its sign bit (15, 31, 63) is set all others turned over
            8 multiple     F32 and F64, below
            12 narrow      F64: u8 codec (6 or 8), then a column of n F32 by that codec. Each value is that F32;
                           a NaN keeps its sign and fraction (23 bits, now the highest of 52)
            Any number
            9 ranks        varint nd (1..n, at most 2,048), sized { u8 codec, the nd values of a dictionary by that
                           codec }, index(n, nd) of 8.7: which of them each row has. The codec is 0 (raw) or one of
                           2 to 6, 8 and 12. Writers sort the dictionary by value
            10 LZ4         one LZ4 block that expands to exactly n * w bytes, the values as in codec 0. A reader
                           without LZ4 answers UNSUPPORTED for the column
            11 planes      planes(n, w) of 8.7: the bytes of the values

            multiple := u8 head, base, [exceptions], [ulps], k
              head        bits 0-2 form, bits 3-4 kind, bit 5 exceptions follow, bit 6 ulps follow; bit 7 is 0
              base        form 0: u8 e, varint c, D = c * 10^e, c 1 to 65,535; e at most 22, or 15 when c is not 1
                          form 1: u8 j, B = 2^(j - 128)
                          form 2: f32 B     form 3: f64 B     other forms: CORRUPT
                          B must be 2^-500 <= B < 2^500 for F64, 2^-100 <= B < 2^60 for F32 (else CORRUPT)
              exceptions  varint m (1..n-1), sized int32(m) gaps, sized bits, as codec 6 has them (F32: int32(m),
                          F64: int64(m)). The first exception is the value of row gaps[0], each further one that
                          of the row gaps[i] + 1 behind the one before; gaps are unsigned; a row beyond n - 1:
                          CORRUPT. The others follow in order in the n - m rows that are left
              ulps        sized int32(n - m) d, signed; without them every d is 0
              k           n - m integers as codec 2, 3, 4 or 5 (kind 0, 1, 2, 3) has them for w = 8;
                          -2^51 <= k < 2^51, else CORRUPT
            The value: r = k / D (form 0) or k * B, rounded once to the nearest f64, ties to even (k, D, B are exact,
            r is 0 or a normal number; k = 0 gives +0). F32: r rounded to the nearest f32, ties to even. Then d is
            added to the bits, modulo 2^(8 w). No sum follows a product, so that nothing can be contracted; a
            machine that computes with more than f64 must round as said.
            What it is for: decimals (10^e), thirds and clock ticks (c * 10^e), binary fractions (2^j), counts
            times a factor (B). ulps hold what a producer's own rounding changed.
        8.7 TEXTS, INDICES, PLANES
            ints(n) is an integer stream of n values of 32 bits (8.5). "sized x" is varint size, then x in
            exactly so many bytes. What is last takes all bytes that are left; bytes it does not need:
            CORRUPT, as is any other violation.
            text(n)  n bytes: chunks until they are there, nothing where n is 0. A chunk:
              varint m (0..2,048), varint l (0..4,096), not both 0; where l > 0: sized ints(l), the
              literals, of each of which the low 8 bits count; where m > 0: sized ints(m) runs, sized
              ints(m) lengths, sized ints(m) distances. For i = 0..m-1: runs[i] literals, then
              lengths[i] + 4 bytes, each a copy of the one distances[i] before it in this text (so a
              copy may repeat itself). Then the literals that are left. A distance of 0 or one that
              reaches before the text, or more bytes or literals than there are: CORRUPT.
            list(n, t)  n strings of t bytes together:
              u8 0, sized ints(n) their lengths, text(t)
              u8 1, u8 f (1..4), f times { u8 k, k bytes, u8 w (0..9) }, u8 k, k bytes, f times sized ints(n)
              The latter: all strings are of one pattern: the first k bytes, a number, the next k bytes, .. and
              the last k bytes. The numbers of the i-th ints stand at the i-th place, in decimal digits: w of
              them with zeros in front, or as many as it takes where w = 0. One of more than w digits, or
              strings that are not t bytes together: CORRUPT.
            index(n, d)  n numbers below d, d >= 1 (any other: CORRUPT), which name values in the order in
              which they first occur. u8 mode, then
              0  ints(n): the numbers.
              1  ints(n), each a place in a list of 16 numbers, all 0 at first. v < 16: the number at place v;
                 16: the next number that no 16 has named yet (0, 1, 2 ..); v > 16: the number v - 17. It
                 moves to the front, the places before its own one back (v >= 16: all, the last is gone).
              2  ints(n). next[x] = 0 for all x at first, `before` = 0. v = 0: x = next[before]; 1: the next
                 number that no 1 has named yet; 2, 3, 4: x = next[next[before]], and once or twice more
                 next[x]; v > 4: the number v - 5. Then next[before] = x and before = x.
            codec 32 list        varint t (bytes of all n strings), list(n, t)
            codec 33 dictionary  varint d (1..n), varint s, sized index(n, d), list(d, s): row i has the
                                 string of the i-th number.
            CHARS and BYTES of a fixed size are strings here, without the zero bytes at their end.
            planes (numbers of w bytes)  w times sized ints(n): the lowest byte of all values, then the next
              ones. Of each of these integers the low 8 bits count.

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
       attachment: varint id, u8 flags (bit 0 HEAD, bit 1 last chunk; else reserved), varint offset;
             [HEAD] str name, str media type, varint total + 1 (0: unknown), below 2^63;
             varint n, n bytes; [last] u64 hash: XXH32 of all bytes with seeds as a fingerprint.
             One chunk of an attachment: bytes offset .. offset + n of it, in order, among other
             blocks and among chunks of other attachments. The first one has a HEAD (and may have no
             bytes); the last one repeats it, so that no single block holds the name alone. HEADs of
             one attachment that differ, bytes beyond the total or 2^63, a last chunk that does not
             end at the total: CORRUPT. An offset above the bytes read so far: what lies between is
             missing, and is told; one below: CORRUPT, but for a HEAD at offset 0, with which another
             attachment begins. An id is not used twice in a session; 0 is none (CORRUPT). A field
             refers to an attachment by its id: an integer whose unit is "attachment", 0 for none.
             In a feed (section 14) one that did not end in front of a file's end block may go on in a
             later file: the first chunk there has a HEAD and the offset that it got to. Ids are not
             used twice in a feed: those that a writer gives have the file's number in bits 32 to 63.

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

   12 JOURNAL ZONE (disk): `journal` bytes behind the session's first stream header
       The zone holds the newest rows as they are, so that none is lost before its block is written.
       The only bytes of a file that are written twice.
       zone := header, slots, unused bytes
       off size name          meaning, valid range
         0   4  magic         54 4C 4A 31; all 64 bytes 0: a zone not made yet, empty
         4   2  layout        1; else UNSUPPORTED
         6   2  slots         2..64, else CORRUPT
         8   8  session       that of the stream header, else CORRUPT
        16   4  slot_bytes    128..2^28, multiple of 64, 64 + slots * slot_bytes <= journal; else CORRUPT
        20   4  check         XXH32 of bytes 0..19 seeded with S
        24   4  state         0 closed: every row of the zone is in a block, 1 in use; else as 1
        28  36                written 0, not read
       slot number i (from 0) begins at 64 + i * slot_bytes:
         0   4  committed     bytes of rows behind these 64, a multiple of 8; the last to be stored;
                              above slot_bytes - 64: CORRUPT
         4   4  generation    fillings are numbered from 1 in the order in which they begin; number g
                              stands in slot g mod slots. 0: never filled. A slot whose number is not
                              so, or is older than the newest by `slots` or more, counts as never filled
                              (so does the newest that would do this to others and whose first row fails)
         8  4  opening        of the file by its writer: 0 by who made it, else a random number of who appends
        12  52                written 0, not read
        64      rows, one behind the other
       row  8  number         of the row in its stream
            8  time
            4  stream
            4  n              bytes of the row form: the stream's row size; or 2^32 - 1: a repeat
            n                 row form (telem_schema.h); a repeat: u32 d instead, 8 or more: the row form is
                              that of the row, itself no repeat, of the same stream that begins d bytes
                              before this one in the slot
              pad             0 bytes up to a multiple of 4
            4  check          XXH32 of all of the row before, seeded with S XOR generation XOR opening
              pad             0 bytes up to a multiple of 8
       The rows of a stream stand in the order of their numbers; those of a generation come before
       those of the next. A row counts only when its number is beyond the stream's rows in blocks, or
       when the block that holds it is damaged. A row whose check fails, or which breaks the above,
       is CORRUPT with the rest of its slot (a power cut took them; or the slot was taken for the next
       generation while it was read: then its rows are in blocks now). One of a stream whose schema was
       not read is CORRUPT alone.
       A writer
       - takes a slot for a new generation only when each row in it is in a block that the io has
         taken and, where it syncs, that was synced since; it stores committed = 0, then generation;
       - stores a row wholly, then committed with release order: that moment is the commit;
       - gives generations above those that were in the zone when it opened the file, with an opening of its
         own: rows that a power cut left there, even of a slot whose head it took, never count for its own;
       - that appends first makes blocks of the zone's rows that are in none. Rows that belong before
         blocks that are there (one in between is damaged or missing) can be written only where the
         file is cut off before these. It does so only when whatever can be read behind the cut comes again:
         blocks of rows that the zone has, each with its number; index and end blocks. Else
         it refuses and changes nothing. So whatever could be read before can be read behind it. Block
         numbers (seq) go on above those cut off. Damage whose rows the zone has not stays where it is.
       A reader takes generation, then committed with acquire order, copies the rows and believes
       only checks. Following, it reads the blocks to their end and then the zone: a row number above
       the expected one says that blocks came in between, which it reads first. The zone is never
       truncated nor moved.

   13 READING (what every reader owes)
       Nothing is delivered that did not pass header check, payload check and every range above.
       Whatever is skipped is reported: the bytes (offset, count) and the rows (stream, first
       number, count, exact or at least). Rows that are known missing and not delivered later are
       counted once. At the end a reader says whether an end block was seen.

   14 FEEDS (a sequence of files in a directory; what telem_feed_* write and read)
       NAME.000001.tlm, NAME.000002.tlm ..: NAME of 1 to 63 letters, digits, - _ . (neither . nor -
       first, no . last); the number in decimal, six digits at least, no other zeros in front, 1 to
       4,294,967,295; it is the header's file_number. All have the same `sequence`, not 0; `previous`
       is the session of the file before. A file whose name is of this form and whose header is not
       such a one is not of the feed: it is left alone, and readers report it.
       Stream ids mean the same stream in all files; row numbers go on from file to file: start_row
       in the schema block is one past the last row in the files before. Where a reader finds it
       higher than it expects, rows between are in no file: missing, exactly.
       A writer that finds the newest file without its end may append to it (section 12) and end it,
       before it begins its own, which has the next number that no file has in its name.
       The next file is begun as NAME.new: header, journal zone, clocks, schemas, chain block; then
       it is renamed. Nothing is written to a file any more when a later one has its name. So a
       reader that finds a later file reads on to the end of the one at hand, once, and leaves it.
       (A list of the directory may lack a file that is named meanwhile: a later list has it.)
       NAME.lock is held by the writer (a lock of the system, gone with the process), NAME.new that
       nobody holds is of a writer that died. NAME.ack: "telem-ack ", the number of the last file
       that need not be kept for a reader in ten digits, a space, XXH32(these 20 bytes, seed 0) in
       eight lower hex digits, a newline; written as NAME.ack.new and renamed. Anything else in it
       means: none. */

#if !defined(TELEM_I_FILE_W) /* this file includes itself for a part that is compiled for two widths */
#include "telem.h"
#include "telem_schema.h"

#ifndef TELEM_FILE_H
#define TELEM_FILE_H

/* A microcontroller writes and reads rows; TELEM_FILE_MCU_COLUMNS gives it columns all the same. */
#if defined(__ARM_ARCH_PROFILE) && !defined(TELEM_FILE_NO_COLUMNS) && !defined(TELEM_FILE_MCU_COLUMNS)
#if __ARM_ARCH_PROFILE == 'M'
#define TELEM_FILE_NO_COLUMNS
#endif
#endif

/* Nor does it keep directories of files. */
#if defined(__ARM_ARCH_PROFILE) && !defined(TELEM_FILE_NO_FEEDS)
#if __ARM_ARCH_PROFILE == 'M'
#define TELEM_FILE_NO_FEEDS
#endif
#endif

#if defined(TELEM_FILE_NO_COLUMNS) && !defined(TELEM_FILE_NO_JOURNAL)
#define TELEM_FILE_NO_JOURNAL
#endif

#define TELEM_FILE_FORMAT 1 /* major version of the stream format, apart from the library's */
#define TELEM_FILE_FORMAT_MINOR 0

/* ------------------------------------------------------------------------- shared by both ---- */

typedef enum telem_file_profile { TELEM_FILE_DISK = 0, TELEM_FILE_WIRE = 1 } telem_file_profile;

typedef enum telem_file_coding { TELEM_FILE_ROWS = 1, TELEM_FILE_COLUMNS = 2, TELEM_FILE_MINI = 3 } telem_file_coding;
typedef enum telem_file_level { TELEM_FILE_DEFAULT = 0, TELEM_FILE_FAST = 1, TELEM_FILE_ARCHIVE = 2 } telem_file_level;

/* When a writer asks the io to sync. Syncs run inside the call that says so, never elsewhere; in the pace
   TELEM_FILE_HELPER those of INTERVAL and BLOCK run in telem_file_work instead, beside the rows (a row waits for
   one only where a slot of the journal zone is to be taken again and is not on the medium yet). A sync that failed
   sticks, in each thread, until telem_file_writer_clear: what it did not write may be gone, and the next success
   of the io says nothing of it. */
typedef enum telem_file_sync_policy {
    TELEM_FILE_SYNC_NONE = 0,     /* never by itself; after a telem_file_sync of yours also when the journal
                                     zone is full, so that what you synced stays synced */
    TELEM_FILE_SYNC_INTERVAL = 1, /* telem_file_writer_poll, when sync_ns have passed; or a thread of yours
                                     that calls telem_file_sync every so often */
    TELEM_FILE_SYNC_BLOCK = 2,    /* the call in which a block was written */
    TELEM_FILE_SYNC_ROW = 3       /* each row, before telem_file_write returns; without a journal each row
                                     closes its block */
} telem_file_sync_policy;

/* Who codes a full block of columns. */
typedef enum telem_file_pace { TELEM_FILE_SPREAD = 0, TELEM_FILE_AT_ONCE = 1, TELEM_FILE_HELPER = 2 } telem_file_pace;

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

#define TELEM_FILE_UNKNOWN UINT64_MAX

/* A piece of an attachment as it is read. Everything points into the block: valid until the next call. */
typedef struct telem_attachment {
    uint64_t id;
    uint64_t offset; /* of data in the attachment */
    uint64_t total;  /* bytes of all of it; TELEM_FILE_UNKNOWN */
    uint64_t missing; /* bytes right before this piece that did not come */
    const void *data;
    uint32_t size;   /* of data; 0: nothing but what stands here */
    uint32_t name_len, media_len;
    const char *name, *media; /* not NUL-terminated; "" in pieces between the first and the last */
    uint8_t last;    /* 1: it ends with this piece */
    uint8_t whole;   /* 1, with last: each byte came, in order, and their hash is right */
} telem_attachment;

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
    uint8_t coding;      /* TELEM_FILE_ROWS: little memory, each row costs about the same;
                            TELEM_FILE_COLUMNS: small files, read by columns;
                            TELEM_FILE_MINI: columns of a few rows, for small machines; rows wait
                            until their block is full; 0: disk columns, wire rows */
    uint8_t level;       /* of columns: TELEM_FILE_DEFAULT, TELEM_FILE_FAST, TELEM_FILE_ARCHIVE */
    uint8_t pace;        /* of columns: TELEM_FILE_SPREAD: the rows that come next do it, each a little;
                            TELEM_FILE_AT_ONCE: the row that fills the block; TELEM_FILE_HELPER: a thread of
                            the caller's that calls telem_file_work */
    uint8_t lz4;         /* 1: LZ4 over a rows block where it saves 5 % or more */
    uint8_t no_index;    /* 1: no index blocks (none either on a wire, nor when max_block is below
                            55 bytes per stream + 1 KiB) */
    uint32_t max_streams; /* 0: disk 256, wire 8 */
    uint32_t max_row;    /* largest row form, bytes; 0: disk 128 KiB, wire 1,024 */
    uint32_t max_block;  /* largest block, bytes; 0: disk 1 MiB, wire 4,096 */
    uint32_t block_bytes; /* coded bytes at which a stream's block is closed, at most max_block; 0:
                            disk 65,536, wire 512, or half of max_block when that is less. Columns: no
                            more for single rows, about as much for telem_file_write_columns (a stream's first
                            block: up to 4 times that); but a block has 256 rows at least (TELEM_FILE_FAST and rows
                            above 512 bytes: 512; whole columns: 1,024), so that wide rows have blocks of up to
                            max_block. A flipped byte costs no more than max_block, whatever the rows; with 65,536
                            files of narrow rows are 5 % larger, those of 1,000 float32 46 % and slow to write */
    uint32_t block_rows; /* rows at which it is closed; 0: 65,536. Columns: distinct rows of a block
                            at most (65,536; 0: 16,384); the codecs' memory grows with it. Mini: 1..32,
                            0: 16; as many as fit into block_bytes are written at once */
    uint32_t key_bytes;  /* coded bytes in a group of blocks from one KEY to the next; 0: columns on a
                            disk: each block is KEY, but for those that say little more than that nothing
                            changed: they may take as much as their KEY block; else disk 65,536, wire 8,192 */
    uint32_t key_rows;   /* a group has at least so many rows before key_bytes ends it; 0: disk
                            256, wire 1 */
    uint32_t gather_bytes; /* columns: memory in which rows wait to become blocks, all streams together; 0:
                            8 x block_bytes, at most 32 MiB. Each stream brings an eighth of it more, one with
                            STRING or BLOB as much again. When all is full the stream that holds most closes
                            its block. Rows above 512 bytes wait in memory of their stream instead */
    uint32_t step_ns;    /* TELEM_FILE_SPREAD: what a row that codes spends on it, about and at least, and a third more at
                            most; a column (of few rows 2,000, of 16,384 up to 160,000) or 16 KB written is never parted.
                            1: each row some, as little as will do. 0: so much that no more than one row in a thousand does, if 36,000
                            are enough for that; else 5,000, or what it takes that every other row does */
    uint64_t key_ns;     /* a KEY at least so often; 0: disk never by time, wire 5 s */
    uint64_t max_age_ns; /* a row waits no longer (seen at the stream's next row and at poll);
                            0: disk 1 s, wire 100 ms; UINT64_MAX: no limit (data that is not
                            live: by its time stamps every row of an hourly log is old) */
    uint64_t announce_ns; /* wire: stream header, clocks and schemas again so often; 0: 5 s */
    uint32_t index_blocks; /* blocks between level-1 index blocks; 0: 256; at most
                            max_block / 128 */
    uint8_t journal;     /* 1: journal mode where the io has seek and map and takes any size, disk only; else
                            the file is written plainly. The file must be empty, or `append` */
    uint8_t append;      /* 1: goes on with the file that is there (an empty one is begun): needs read, seek and
                            size, and truncate when its end is damaged. See telem_file_writer_open */
    uint8_t sync;        /* telem_file_sync_policy */
    uint32_t journal_slots; /* 2..64; 0: 8 */
    uint32_t journal_slot_bytes; /* multiple of 64; holds the largest row; 0: 512 KiB. All slots together hold
                            the rows that are in no block yet: blocks close early when they are full */
    uint64_t sync_ns;    /* TELEM_FILE_SYNC_INTERVAL; 0: 1 s */
    void (*wait)(void *user); /* called again and again while a call waits for the helper to end its step (some
                            microseconds; NULL: it spins), or for a sync to end (NULL: it sleeps a little) */
    void *wait_user;
} telem_file_writer_desc;

typedef struct telem_file_stream_desc {
    uint32_t id;         /* any number below 2^32 - 1, once per session */
    uint32_t clock;      /* id given to telem_file_add_clock; 0 without one: ns, domain boot */
    const char *name;    /* NULL: the schema's name. Unique in the session */
    const telem_schema *schema; /* must outlive the writer */
    uint32_t block_bytes; /* 0: the writer's */
    uint64_t start_row;  /* number of the first row (a sequence of files counts on) */
} telem_file_stream_desc;

/* A column of whole columns: as many values as there are rows, native, one behind the other. BOOL and
   presence: a byte each. Presence with data NULL: all there. STRING and BLOB: offsets (rows + 1) into
   data. CHARS and BYTES: `size` bytes each. What is absent may hold anything. */
typedef struct telem_file_column {
    const void *data;
    const uint32_t *offsets;
} telem_file_column;

/* An attachment that is being written; in the caller's memory until its end. Set by
   telem_file_attach_begin, and only read by you. */
typedef struct telem_file_attaching {
    uint64_t id;     /* what fields refer to it by */
    uint64_t offset; /* bytes taken so far */
    uint64_t total;
    uint64_t lost;   /* of them cut by an io error: the reader finds them missing */
    const char *name, *media;
    uint64_t session, sequence; /* of the writer */
    uint64_t hash[2][8]; /* internal */
    uint8_t open, headless;
} telem_file_attaching;

/* Rows offered to an open writer = rows + refused. Of `rows`, each is in the file, or counts as `lost`, or waits
   in memory (none does behind telem_file_writer_flush): what a reader of the whole file delivers and is told as missing
   is `rows` together. A loss block tells of `lost`; of `refused`, which had no numbers, nothing in the file does.
   test_file.c: offered_rows_are_written_or_refused; test_trouble.c */
typedef struct telem_file_writer_stats {
    uint64_t rows;          /* that got a number: the call answered OK, or the error of an io */
    uint64_t blocks, bytes; /* written, written to io */
    uint64_t lost;          /* of `rows`: not taken, or thrown away, after an error of the io */
    uint64_t refused;       /* that got no number: ERR_NOT_FOUND, ERR_RANGE, ERR_ARG */
} telem_file_writer_stats;

typedef struct telem_file_writer telem_file_writer;

/* How the writer itself is, as rows of a stream (telem_file_add_health). Counts are since the begin. */
#define TELEM_FILE_HEALTH_TABLE(F) \
    F(FIELD, u64, rows, "", "rows taken, of all streams") \
    F(FIELD, u64, bytes, "B", "bytes that the io took") \
    F(FIELD, u64, blocks, "", "blocks written") \
    F(FIELD, u64, lost, "", "rows lost to errors of the io") \
    F(FIELD, u64, waiting, "", "queue depth: rows in memory that are not with the io") \
    F(FIELD, u32, errors, "", "errors of the io that were cleared") \
    F(FIELD, u32, row_ns_worst, "ns", "longest telem_file_write since the row before") \
    F(FIELD, u32, row_ns_mean, "ns", "its mean since the row before") \
    F(FIELD, u32, syncs, "", "syncs of the io") \
    F(FIELD, u32, sync_ns_worst, "ns", "the longest of them so far")
TELEM_DEFINE(telem_file_health, TELEM_FILE_HEALTH_TABLE, "how a telem_file writer is");

/* What the writer keeps for it: the caller's memory until the writer is closed; nothing in it is yours. */
typedef struct telem_file_watch {
    telem_clock clock;
    uint32_t stream, errors, calls, syncs, sync_ns;
    uint64_t period, sum, worst; /* ticks */
    int64_t last;
} telem_file_watch;

/* Bytes of memory for a writer of this desc without streams, and for one stream more. Columns: the first
   stream with texts, and the first with rows above 512 bytes, bring what others of their kind use with them: then
   less than the sum does. With a zero desc 1.9 MB and 0.1 MB per stream of numbers; the first with texts takes 3.5 MB,
   rows above 512 bytes 1.2 MB and twice the rows of a block (416 KiB, or 256 rows). */
TELEM_API size_t telem_file_writer_bytes(const telem_file_writer_desc *d);
TELEM_API size_t telem_file_stream_bytes(const telem_file_writer_desc *d, const telem_file_stream_desc *s);

/* desc.append: the file's own session goes on, with its header (desc's max_* must not be above the file's: ERR_LIMIT).
   A block that is cut at the end is cut off, and rows that only the journal zone has become blocks, so that all
   rows of the file are in blocks when this returns. Also behind a power cut: what could be read before can be read
   behind it, or it refuses (CORRUPT) and changes nothing: where blocks are damaged or gone whose rows the zone has,
   in front of something that it has not (section 12). Read that file, begin another one, as feeds do. Numbers of
   rows that are lost at the end come again only when nothing in the file tells of these rows.
   Clocks and streams are added as always: those that the file has go on where they were (ERR_MISMATCH: with the
   same id, but another schema, name or clock). A file of several sessions is refused (UNSUPPORTED), so is one that
   another writer has (ERR_BUSY).
   Writes the stream header. ERR_ARG, ERR_MEMORY, ERR_UNSUPPORTED (a coding that is not built in), or
   what io answers: telem_file_writer_error tells which, and all later calls answer the same. */
TELEM_API telem_result telem_file_writer_open(telem_file_writer *w, const telem_file_writer_desc *d);
/* Before the streams that use it, else ERR_STATE. ERR_EXISTS when the id was given already. `name` (NULL:
   "") must outlive the writer. */
TELEM_API telem_result telem_file_add_clock(telem_file_writer *w, uint32_t id, const telem_clock *clock, const char *name);
/* ERR_EXISTS (id or name), ERR_LIMIT (row above max_row, or above what a block holds), ERR_MEMORY,
   ERR_ARG (a schema that telem_schema_check refuses), ERR_NOT_FOUND (the clock): nothing happened, and
   telem_file_writer_error says why.
   An io's error, also one that stuck before: the stream (the clock) is there all the same. Its rows count
   as lost until telem_file_writer_clear, which writes what it is; adding it once more then answers OK. (A
   build without columns forgets it: add it again behind telem_file_writer_clear.) */
TELEM_API telem_result telem_file_add_stream(telem_file_writer *w, const telem_file_stream_desc *s);

/* The writer's own health as a stream: s->id, s->name (NULL: "telem_file_health") and s->clock are taken, the
   schema is telem_file_health_schema. A row comes every period_ns (0: 1 s), with a row of any stream or at
   telem_file_writer_poll. It costs two readings of the clock for each telem_file_write. The clock is the one
   added under s->clock, which must have a `read` and 64 bits; 0: telem_clock_monotonic. What
   telem_file_add_stream answers; ERR_ARG: no such clock; ERR_STATE: there is one; ERR_UNSUPPORTED: built without
   columns. The stream may be there already, with this schema and clock: in a feed it stands in the desc (so that its
   numbers go on from writer to writer), and this is called with &f->w behind telem_feed_open. */
TELEM_API telem_result telem_file_add_health(telem_file_writer *w, telem_file_watch *h, const telem_file_stream_desc *s, uint64_t period_ns);

/* One record: a C struct as the stream's schema describes it, or its row form (pack / write_row).
   `time` in ticks of the stream's clock. ERR_NOT_FOUND for an unknown id; ERR_RANGE for a string
   longer than its field (nothing is written). Cost: one pass over the row; closing a block adds
   one hash and one io write. */
TELEM_API telem_result telem_file_write(telem_file_writer *w, uint32_t stream, int64_t time, const void *rec);
TELEM_API telem_result telem_file_write_row(telem_file_writer *w, uint32_t stream, int64_t time, const void *row);

/* Many rows at once as columns: columns[i] is the schema's column number i (telem_columns: index +
   element, presence columns included), count = telem_schema_columns. times NULL: the row's number
   since the call. The fastest way in: whole blocks are coded straight from the caller's arrays; what
   is left over waits for more rows. Rows of one call do not count as old (max_age_ns) for each
   other. ERR_ARG: a column is missing; ERR_RANGE: a text is longer than its field, or offsets fall;
   nothing is written then. */
TELEM_API telem_result telem_file_write_columns(telem_file_writer *w, uint32_t stream, uint64_t rows, const int64_t *times,
                                                const telem_file_column *columns, uint32_t count);

#if !defined(TELEM_FILE_NO_COLUMNS)
/* TELEM_FILE_HELPER: a step of what waits, by any one thread beside the writer's. 1: go on, more may wait; 0:
   nothing does, sleep a little; a code: the error that sticks (telem_file_writer_clear, by the writer's thread, may
   mend it), or ERR_STATE in another pace. Call it from after telem_file_writer_open until before
   telem_file_writer_close. It codes blocks and writes them to the io, and syncs when desc.sync says so (not for
   TELEM_FILE_SYNC_ROW: the row waits for that). */
TELEM_API int telem_file_work(telem_file_writer *w);
#endif

TELEM_API telem_result telem_file_write_loss(telem_file_writer *w, const telem_loss *loss);
TELEM_API telem_result telem_file_write_sync(telem_file_writer *w, const telem_sync *sync);
TELEM_API telem_result telem_file_write_metadata(telem_file_writer *w, const telem_metadata *m);
TELEM_API telem_result telem_file_annotate(telem_file_writer *w, const telem_annotation *a);

/* An attachment (an image, a point cloud, a configuration) in pieces of any size, with rows and other
   attachments in between as you like; any number may be open. Each call makes blocks of up to
   block_bytes straight from your memory, so let pieces be some KB. `id` 0: the writer gives one (a->id),
   which no other attachment of the session has (of the feed, whose ids take 64 bits; of a file that stands alone 32);
   ids of your own must be unique there, and above 2^63 when you mix both. name: 1..255 bytes, media type
   (NULL: "") up to 255; both must live until the end. total: bytes to come, or TELEM_FILE_UNKNOWN.
   In a feed an attachment goes on over rotations: who reads the feed gets its pieces as one, and who reads one
   of its files gets those in it, and what is missing before and behind.
   ERR_ARG; ERR_STATE: not begun, or ended, or begun with another writer, or fewer bytes than `total` at the end;
   ERR_RANGE: more bytes than `total`; an io's error: what was cut counts in a->lost and shows as missing bytes, and the attachment goes
   on behind telem_file_writer_clear. One that is never ended is told as TRUNCATED by the reader. */
TELEM_API telem_result telem_file_attach_begin(telem_file_writer *w, telem_file_attaching *a, uint64_t id, const char *name,
                                               const char *media, uint64_t total);
TELEM_API telem_result telem_file_attach(telem_file_writer *w, telem_file_attaching *a, const void *data, size_t n);
TELEM_API telem_result telem_file_attach_end(telem_file_writer *w, telem_file_attaching *a);
/* The same at once, where all of it is in memory. *id (may be NULL): in, 0 or your own; out, the id. */
TELEM_API telem_result telem_file_write_attachment(telem_file_writer *w, uint64_t *id, const char *name, const char *media,
                                                   const void *data, size_t n);

/* Closes blocks older than max_age and announces when due: call it now and then when rows are
   rare. `now` in ticks of clock `clock`, on the scale of its rows: a narrow counter is extended
   first (telem_clock_extend). */
TELEM_API telem_result telem_file_writer_poll(telem_file_writer *w, uint32_t clock, int64_t now);
/* Journal mode: 1 when rows are in the file as soon as telem_file_write returns; 0: plain. */
TELEM_API int telem_file_journals(const telem_file_writer *w);
/* The number that the stream's next row gets; 0 for an unknown one. After append: one past the rows that the file has. */
TELEM_API uint64_t telem_file_next_row(const telem_file_writer *w, uint32_t stream);
/* What is with the io and, in journal mode, every row so far is on the medium on return: no block is closed.
   The one call that other threads may make at any time from behind telem_file_writer_open (or telem_feed_open, with
   &f->w) on, whatever the writer's own thread does: it waits while a feed begins its next file, and a rotation and
   a close wait until it has ended. Behind a close: ERR_STATE. Built without journal mode: the writer's thread only. */
TELEM_API telem_result telem_file_sync(telem_file_writer *w);
/* Closes all open blocks: every row so far is with the io. */
TELEM_API telem_result telem_file_writer_flush(telem_file_writer *w);
/* flush, then the io's sync. */
TELEM_API telem_result telem_file_writer_sync(telem_file_writer *w);
/* flush, last index, end block. Returns the first error of the io, also one that stuck before; not that a row was
   refused (ERR_NOT_FOUND, ERR_RANGE). */
TELEM_API telem_result telem_file_writer_close(telem_file_writer *w);

/* The first error, with the offset in the stream at which it hit; code TELEM_OK: none. Then `what` says why the
   latest telem_file_add_stream or telem_file_add_clock was refused, which does not stick; NULL: it was not. (A build
   without columns has no words for that.) */
TELEM_API telem_error telem_file_writer_error(const telem_file_writer *w);
/* After the cause is mended (space freed): what did not reach the io of header, clocks and schemas is
   written, the rows lost since are told by loss blocks, every stream goes on with a KEY block. Rows that
   waited in memory are not lost; those of a block of which the io took a part are, in journal mode as well: the zone has
   them until their slot is taken again, and a reader gets them from there so long, but they are not written a second
   time (the loss block tells the most that may be lost). While the cause lasts it answers the io's error again: try as often as you
   like. Behind a failed sync what the io took since the sync before is in doubt: a reader tells what is
   missing by the row numbers. */
TELEM_API telem_result telem_file_writer_clear(telem_file_writer *w);
TELEM_API telem_file_writer_stats telem_file_writer_get_stats(const telem_file_writer *w);
/* The same of one stream; all zero when unknown. */
TELEM_API telem_file_writer_stats telem_file_stream_get_stats(const telem_file_writer *w, uint32_t stream);

/* ------------------------------------------------------------------------------- reader ---- */

typedef struct telem_file_reader_desc {
    telem_io *io;       /* read is needed; without seek (a pipe) reading goes forward only */
    const void *map;    /* instead of io: the whole stream, mapped or in memory, 8-aligned, read in place: it must
                           not change nor go while the reader is used */
    size_t map_size;
    void *memory;       /* 8-aligned; holds one block, what it expands to, schemas and two rows per
                           stream: about 2 x max_block of the stream + 1 MiB, for columns 6 x max_block
                           + 2 MiB (8 MiB for files of the default desc); telem_file_reader_bytes() is
                           exact. A block that does not fit is skipped and told */
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
    uint64_t end_row;    /* one past the last row of the session, once an end block, a learn or a scan told;
                            0: not known */
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
    TELEM_ITEM_END,         /* an end block: this session was closed cleanly */
    TELEM_ITEM_ATTACHMENT   /* a piece of an attachment; error TRUNCATED: there is no more of it (size 0),
                               CORRUPT: bytes before it are missing, or all came and the hash is wrong */
} telem_item_kind;

typedef struct telem_file_item {
    telem_item_kind kind;
    uint64_t offset;               /* of the block in the stream */
    telem_file_stream *stream;     /* STREAM, ROW, MISSING; else NULL */
    uint64_t row;                  /* ROW: its number; MISSING: the first number */
    uint64_t count;                /* MISSING: rows */
    uint8_t at_least;              /* MISSING: count is a lower bound */
    uint8_t journal;               /* ROW: 1 it came out of the journal zone */
    uint8_t has_span;              /* MISSING: first, last are known */
    int64_t time;                  /* ROW, in ticks of stream->clock */
    int64_t first, last;           /* MISSING */
    const uint8_t *data;           /* ROW: row form, stream->row_size bytes, until the next call */
    uint64_t bytes;                /* DAMAGE: how many were skipped */
    telem_error error;             /* DAMAGE, MISSING: CORRUPT, TRUNCATED or UNSUPPORTED, where, what */
    const telem_attachment *attachment; /* ATTACHMENT */
    uint32_t clock_id;             /* CLOCK */
    telem_loss loss;               /* texts point into the block: valid until the next call */
    telem_sync sync;
    telem_metadata metadata;
    telem_annotation annotation;
} telem_file_item;

typedef struct telem_file_reader telem_file_reader;

/* Memory with which a reader reads, row by row, all that a writer of this desc with these streams (and up to
   16 clocks) can write, whatever the rows hold. */
TELEM_API size_t telem_file_reader_bytes(const telem_file_writer_desc *d, const telem_file_stream_desc *streams, uint32_t count);
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
/* The next piece of attachment `id` (0: of any) from where the reader stands (telem_file_reader_learn: at the
   start), by block headers only: no row is decoded, and on an io that seeks none is read. TELEM_END behind
   the last of them. Rows of what was passed over are not told as missing when telem_file_next goes on. */
TELEM_API telem_result telem_file_next_attachment(telem_file_reader *r, uint64_t id, telem_file_item *item);
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

/* Rows in the journal zone that are in no block come out of telem_file_next behind those of the blocks, where it
   said TELEM_END; asked again later it yields what was written since, rows of blocks and of the zone, each once
   and in order. Needs an io that seeks, or a map. */
/* 0: the session has no journal zone; 1: it has one, closed; 2: in use: a writer is at work, or was killed. */
TELEM_API int telem_file_reader_journal(telem_file_reader *r);
/* Maps the zone through the io (read-only): no call of the io is needed to look for new rows. ERR_UNSUPPORTED: there is
   no zone, or the io cannot; ERR_STATE: mapped already. Unmap before the io is closed. Whoever truncates
   the file kills those who map it. */
TELEM_API telem_result telem_file_reader_map_zone(telem_file_reader *r);
TELEM_API void telem_file_reader_unmap_zone(telem_file_reader *r);
/* Is there something new in the mapped zone since telem_file_next said TELEM_END? 1, 0; -1: not mapped. Two loads:
   for loops that spin. Blocks that hold no rows do not show. */
TELEM_API int telem_file_reader_ready(const telem_file_reader *r);

/* Needs an io that seeks. Positions so that the next ROW item of `stream` is row number `row`, or
   the first one at or after it that can be read. Rows of other streams from around there come
   too. Uses the index when there is one, else reads headers from the start. ERR_NOT_FOUND: no
   such row (beyond the end). ERR_UNSUPPORTED: a pipe. The streams' rows, lost and bytes counts
   restart at 0. */
TELEM_API telem_result telem_file_seek_row(telem_file_reader *r, telem_file_stream *stream, uint64_t row);
/* The same by time: the first row of `stream` with time >= `time`, exact when its times do not
   decrease. */
TELEM_API telem_result telem_file_seek_time(telem_file_reader *r, telem_file_stream *stream, int64_t time);
/* Whole columns into the caller's arrays: one pass over the file for all requests together (one per
   stream). Row number `first` + i goes to index i of each array; rows that are not there leave their
   place as it was (texts: empty). Absent values read as zero; the presence column tells. */
typedef struct telem_file_into {
    uint32_t column;     /* the schema's column number (telem_columns: index + element) */
    uint8_t physical;    /* 1: data is double[], scale and bias applied; numbers only */
    void *data;          /* `rows` values of the column's own type and width; STRING, BLOB: bytes */
    uint32_t *offsets;   /* STRING, BLOB: rows + 1 offsets into data; others: NULL */
    size_t data_size;    /* STRING, BLOB: bytes that data holds */
    telem_result result; /* out: the first error of this column: UNSUPPORTED, CORRUPT, LIMIT (data_size) */
    uint64_t lost;       /* out: rows that are in the file but not read of this column */
    uint64_t filled;     /* internal */
    uint8_t stale;       /* internal */
} telem_file_into;

typedef struct telem_file_read {
    telem_file_stream *stream;
    uint64_t first, rows;     /* rows [first, first + rows) */
    int64_t *times;           /* NULL: not wanted */
    telem_file_into *columns; /* those wanted */
    uint32_t count;
    uint64_t got;             /* out: rows read */
    uint64_t next;            /* out: index behind the last row read */
    uint64_t seen;            /* internal */
    uint8_t good;             /* internal */
} telem_file_read;

/* Needs an io that seeks, and streams that are known (telem_file_reader_scan; or STREAM items came).
   Of a block from which few columns are wanted only those are read from the io, checked and decoded.
   TELEM_OK when what is there was read; else the first error (damage, a codec that is not built in,
   too little memory), with its place in telem_file_reader_error: the rest was read all the same.
   ERR_ARG, ERR_NOT_FOUND: a request that cannot be. The reader stands at the start again. */
TELEM_API telem_result telem_file_read_columns(telem_file_reader *r, telem_file_read *reads, uint32_t n);

/* Values of a column where they lie. */
typedef struct telem_file_view {
    const void *data; /* native, aligned, one behind the other */
    uint64_t row;     /* of the first one: the row asked for */
    uint64_t rows;    /* to the end of its block */
} telem_file_view;
/* No copy, no decoding: the values from row number `row` on to the end of its block, in place (with a map as
   long as it lives, else until the next call). ERR_UNSUPPORTED where there is no such place: the block does not
   store the column raw (it does when nothing makes it smaller), rows repeat, a value is absent, a COUNTER, a text, an
   unaligned window, a big-endian machine; then telem_file_read_columns does. ERR_NOT_FOUND: no such row or column. */
TELEM_API telem_result telem_file_view_column(telem_file_reader *r, telem_file_stream *stream, uint32_t column, uint64_t row, telem_file_view *view);

/* Learns all streams with as little reading as may be: from the end block and the schema blocks it points
   to, else as telem_file_reader_scan. Then stands at the start. telem_file_stream.end_row is known then. */
TELEM_API telem_result telem_file_reader_learn(telem_file_reader *r);
typedef struct telem_file_totals {
    uint64_t rows; /* in the file */
    int64_t first, last; /* time span; first > last: none */
} telem_file_totals;
/* Learns all streams, their row counts and time spans from the headers of all blocks, without
   decoding rows; then stands at the start again. One small read per block. The first seek does the
   same once. STREAM and CLOCK items of what is known then do not come again. Fills `totals`, one
   per stream in order of appearance, at most `cap`; returns how many streams there are, or a code. */
TELEM_API int64_t telem_file_reader_scan(telem_file_reader *r, telem_file_totals *totals, uint32_t cap);

/* -------------------------------------------------------------------------------- feeds ---- */
#if !defined(TELEM_FILE_NO_FEEDS)

/* Where files lie. A vtable of your own (flash with a small file system, an archive) needs open, close, list,
   remove and rename. Names are one path component, never with / or \ in them. Answers: ERR_NOT_FOUND, ERR_EXISTS,
   ERR_ACCESS, ERR_SPACE, ERR_IO. */
#define TELEM_DIR_READ 0   /* a file that is there and may grow meanwhile, be renamed or removed */
#define TELEM_DIR_WRITE 1  /* one that is there, to go on in */
#define TELEM_DIR_CREATE 2 /* a new one: ERR_EXISTS when it is there */

typedef struct telem_dir_entry {
    const char *name;
    uint64_t size;    /* bytes */
    int64_t modified; /* POSIX ns, as exact as the system keeps it */
} telem_dir_entry;

typedef struct telem_dir {
    void *user;
    /* *io serves the file until close. */
    telem_result (*open)(void *user, const char *name, int how, telem_io *io);
    telem_result (*close)(void *user, telem_io *io);
    /* Calls fn for each plain file, in any order, until fn answers other than 0. fn calls nothing of the dir. */
    telem_result (*list)(void *user, int (*fn)(void *arg, const telem_dir_entry *entry), void *arg);
    telem_result (*remove)(void *user, const char *name); /* open files stay readable */
    telem_result (*rename)(void *user, const char *from, const char *to); /* at once; `from` may be open */
    /* Makes the file when it is absent and holds it until close, or until the process ends, however that comes.
       ERR_BUSY: another holds it. NULL: nothing is locked, one writer is the caller's promise. */
    telem_result (*lock)(void *user, const char *name, telem_io *held);
    telem_result (*sync)(void *user); /* names are on the medium on return; NULL: they are anyway */
} telem_dir;

#if TELEM_HAS_SYSTEM
/* A directory of the system's (POSIX, Windows; path in UTF-8). `path` must outlive it; it is made (its last component)
   when the first file is. */
TELEM_API telem_dir telem_dir_system(const char *path);
#endif

#define TELEM_FEED_NAME_MAX 63u /* bytes of a feed's name: letters, digits, - _ . and neither . nor - first or . last */
#define TELEM_FEED_FILE_MAX 95u /* of the names of its files: NAME.000001.tlm .. and NAME.lock, NAME.new, NAME.ack */

/* Streams of a feed: what telem_file_add_clock and telem_file_add_stream take. */
typedef struct telem_feed_clock {
    uint32_t id;
    const telem_clock *clock;
    const char *name; /* must outlive the writer */
} telem_feed_clock;

/* Zero fields mean the default. Nothing but io-like things (dir, clock, schemas, names) must outlive the open. */
typedef struct telem_feed_writer_desc {
    const telem_dir *dir;
    const char *name;            /* of the feed */
    telem_file_writer_desc file; /* of each file, with its memory. io, session, sequence, previous, file_number,
                                    created are the feed's own affair */
    const telem_feed_clock *clocks;
    const telem_file_stream_desc *streams; /* start_row is the feed's own affair: numbers go on from file to file */
    uint32_t clock_count, stream_count;
    uint8_t may_change;          /* 1: schemas may be other than those in the feed; 0: ERR_MISMATCH, told with the field */
    uint8_t keep_unread;         /* 1: no file goes that was not acknowledged (telem_feed_acknowledge) */
    void *scratch;               /* 8-aligned, to look at what is there: about twice the max_block of its files +
                                    64 KiB; NULL: file.memory, before the writer takes it */
    size_t scratch_size;
    uint64_t rotate_bytes;       /* at about so many bytes the next file begins; 0: 256 MiB; UINT64_MAX: never */
    uint64_t rotate_ns;          /* and when it is so old and holds rows; 0: never */
    uint64_t keep_bytes;         /* older files go while all are more than this; 0: all stay */
    uint64_t keep_ns;            /* and those not written to for so long; 0: they stay */
    uint32_t keep_files;         /* and while there are more than so many; 0: any number */
    const telem_clock *clock;    /* POSIX time, for rotate_ns, keep_ns, created; NULL: the system's */
    void (*begin)(void *user, telem_file_writer *w); /* NULL, or called in each new file behind the schemas: metadata,
                                    rows that each file shall have. It calls nothing of the feed */
    void *user;
} telem_feed_writer_desc;

typedef struct telem_feed_writer telem_feed_writer;

/* Opens a feed for writing; makes it when it is absent. The newest file of a writer that was killed is closed in its
   place first: rows that only its journal zone has become blocks; one that is damaged otherwise stays as it is. Then
   a file is begun, behind whatever is there. One writer at a time. ERR_BUSY: another has it;
   ERR_MISMATCH: a stream differs from what the feed holds (telem_feed_writer_error: which field, and how);
   what dir and telem_file_writer_open answer, also for a file of the feed that the system does not let it read. A failed
   open leaves the feed as it was, but that the file of a killed writer may be closed by then. (That counts as written to,
   for keep_ns; what cannot be closed is no error.) */
TELEM_API telem_result telem_feed_open(telem_feed_writer *f, const telem_feed_writer_desc *d);
/* One row, then telem_feed_poll. All other telem_file_write*() take &f->w; call telem_feed_poll now and then behind them. */
TELEM_API telem_result telem_feed_write(telem_feed_writer *f, uint32_t stream, int64_t time, const void *rec);
/* Begins the next file when it is due and removes what need not be kept. Costs two compares while no block was
   written, and a clock reading per block with rotate_ns. A file that cannot be begun is no error that sticks: rows
   go on into the old one, and it is tried again later; what is answered then is that error. */
TELEM_API telem_result telem_feed_poll(telem_feed_writer *f);
/* The next file, now: all rows so far are in the one before, which is closed and synced. Where that sync fails the error
   sticks, as any of the file; behind telem_file_writer_clear(&f->w) the next file is begun all the same. */
TELEM_API telem_result telem_feed_rotate(telem_feed_writer *f);
TELEM_API telem_result telem_feed_close(telem_feed_writer *f);
/* What went wrong last; `what` lives in f. */
TELEM_API telem_error telem_feed_writer_error(const telem_feed_writer *f);

/* Files up to `number` were read by whoever must (an upload): with keep_unread they may go. Any process may say so. */
TELEM_API telem_result telem_feed_acknowledge(const telem_dir *dir, const char *name, uint32_t number);

typedef struct telem_feed_info {
    char name[TELEM_FEED_NAME_MAX + 1u];
    uint32_t first, last; /* numbers of its files */
    uint32_t files;
    uint64_t bytes;
    int64_t modified;     /* POSIX ns, the latest */
} telem_feed_info;
/* The feeds of a directory by their files' names, sorted. Returns how many; ERR_LIMIT: more than cap. */
TELEM_API int64_t telem_feed_list(const telem_dir *dir, telem_feed_info *feeds, uint32_t cap);

/* Zero fields mean the default. */
typedef struct telem_feed_reader_desc {
    const telem_dir *dir; /* must outlive the reader */
    const char *name;     /* a feed's; or that of one file in dir */
    void *memory;         /* as telem_file_reader_desc, + 32 bytes per stream */
    size_t memory_size;
    uint32_t max_block, max_row; /* 0: what memory allows */
    uint32_t max_streams; /* of which the account goes over from file to file; 0: 256 */
    uint8_t follow;       /* 1: the feed may grow: telem_feed_next answers TELEM_AGAIN where it ends now */
    uint8_t map_zone;     /* follow: 1 maps the journal zone of each file, as telem_file_reader_map_zone: who spins then
                             sees a row without a call of the system */
    uint64_t look_ns;     /* follow: where no end block was seen, how often to look for a later file (a writer that
                             died leaves none); 0: 10 ms. The whole directory is looked at more seldom */
    const telem_clock *clock; /* for look_ns: any that goes on; NULL: the system's monotonic one, or each time */
} telem_feed_reader_desc;

typedef struct telem_feed_reader telem_feed_reader;

/* Opens a feed at its oldest file. With follow a feed without files is waited for: TELEM_AGAIN, and the reader is open.
   ERR_NOT_FOUND, ERR_ARG, ERR_MEMORY, and what the first file is refused with (telem_feed_reader_error). */
TELEM_API telem_result telem_feed_reader_open(telem_feed_reader *f, const telem_feed_reader_desc *d);
TELEM_API telem_result telem_feed_reader_close(telem_feed_reader *f);
/* The next thing, as telem_file_next, through all files; behind each SESSION item streams are new objects. Rows that are
   in no file (removed before they were read, lost with a file) come as MISSING, exactly once; a file that is not to be
   read as DAMAGE. TELEM_AGAIN: nothing now: spin, or sleep and call again. TELEM_END: not sticky. */
TELEM_API telem_result telem_feed_next(telem_feed_reader *f, telem_file_item *item);
/* The next ROW of the stream called `name` is number `row`, or the first one behind it; SESSION, CLOCK and STREAM items
   come before it, and rows of other streams from around there. TELEM_OK as well where it is not yet there. */
TELEM_API telem_result telem_feed_seek_row(telem_feed_reader *f, const char *name, uint64_t row);
/* Rows from `time` (ticks of the stream's clock) on; of all streams whose clocks are the same or of one domain, and
   exact for those whose times do not decrease. */
TELEM_API telem_result telem_feed_seek_time(telem_feed_reader *f, const char *name, int64_t time);
/* Only what is written from now on. */
TELEM_API telem_result telem_feed_seek_now(telem_feed_reader *f);
/* As telem_file_next_attachment: the next piece of attachment `id` (0: of any) from where the reader stands, through all
   files. TELEM_AGAIN, TELEM_END as telem_feed_next. */
TELEM_API telem_result telem_feed_next_attachment(telem_feed_reader *f, uint64_t id, telem_file_item *item);
/* To the file in which attachment `id` begins (its upper half is the file's number; ids of your own: to the oldest
   file): telem_feed_next_attachment yields its pieces then. ERR_NOT_FOUND: that file is gone. */
TELEM_API telem_result telem_feed_seek_attachment(telem_feed_reader *f, uint64_t id);
/* As telem_file_read_columns, over the files: rows [first, first + rows) of one stream. Begins anew afterwards. Rows
   that are in a journal only (of the file being written, or of a writer that was killed) are not among them, nor in
   telem_feed_reader_span; telem_feed_next has them. */
TELEM_API telem_result telem_feed_read_columns(telem_feed_reader *f, const char *name, telem_file_read *read);
/* First and last row number (one past it) and times of a stream over all files. ERR_NOT_FOUND: no such stream. */
typedef struct telem_feed_span {
    uint64_t first_row, end_row;
    int64_t first, last; /* first > last: no rows */
} telem_feed_span;
TELEM_API telem_result telem_feed_reader_span(telem_feed_reader *f, const char *name, telem_feed_span *span);
/* The file at hand: its number, and its name (valid until the next call). */
TELEM_API uint32_t telem_feed_reader_number(const telem_feed_reader *f);
TELEM_API const char *telem_feed_reader_file(const telem_feed_reader *f);
TELEM_API telem_error telem_feed_reader_error(const telem_feed_reader *f);
#endif

/* ---------------------------------------------- sizes of what you declare; not for your code ---- */

#define TELEM_I_FILE_LEVELS 4u  /* index levels that the writer makes: 64^4 level-1 blocks */
#define TELEM_I_FILE_FAN 64u    /* index blocks of one level under one of the next */
#ifndef TELEM_FILE_CLOCKS
#define TELEM_FILE_CLOCKS 16u /* clocks of a writer, 1 or more: 40 bytes of RAM each */
#endif

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
struct telem_i_file_cshared;
struct telem_i_file_wzone;
struct telem_i_file_past;

struct telem_file_writer {
    telem_file_writer_desc desc; /* with the defaults filled in */
    telem_i_file_framing framing;
    telem_i_file_pool arena;
    telem_error error;
    uint64_t pos; /* bytes that the io took */
    uint64_t seq; /* of the next block */
    uint64_t rows, lost, refused; /* rows: that got a number */
    const char *why; /* of the latest add_stream or add_clock that was refused; NULL: it was not */
    uint64_t turn; /* counts the moments at which all so far is with the io */
    struct telem_i_file_wstream **streams;
    struct telem_i_file_windex *index; /* NULL: none */
    struct telem_i_file_wloss *losses;
    uint8_t *stage; /* one io block being filled; NULL: the io takes any size */
    uint8_t *lz4;   /* state, then output; NULL: off */
    struct telem_i_file_cshared *columns; /* NULL: rows coding */
    struct telem_i_file_wzone *zone;      /* NULL: no journal */
    struct telem_i_file_past *past;       /* append: what the file had; NULL: begun by this writer */
    telem_atomic32 sealed;   /* counts blocks that the io has taken */
    telem_atomic32 synced;   /* the count that the latest sync covers */
    telem_atomic32 sync_used;   /* telem_file_sync was called */
    telem_atomic32 sync_failed; /* what it answered in another thread, negated */
    int64_t sync_time;       /* of the latest poll that synced */
    uint8_t sync_due, sync_timed, locked;
    uint32_t staged, stage_done, stream_count, loss_count, clock_count;
    telem_clock clocks[TELEM_FILE_CLOCKS];
    uint32_t clock_ids[TELEM_FILE_CLOCKS];
    const char *clock_names[TELEM_FILE_CLOCKS];
    uint8_t open, headed; /* headed: the stream header is with the io */
    uint8_t lacks; /* zeros at the end of the last block that did not reach the io */
    telem_file_watch *health; /* NULL: not asked for */
    uint8_t repeats;      /* of the stream header, on a disk */
    uint32_t clocks_refused, clocks_unsaid; /* bits: their add answered an error; they are not with the io */
    uint64_t header_pos;  /* of the latest one */
    uint64_t announcement; /* bytes of header, clocks and schemas together */
    /* From here on not put back when a rotation fails: telem_file_sync of another thread looks at it meanwhile. */
    telem_atomic32 sync_gate, sync_busy; /* its calls at work; TELEM_I_FILE_SHUT: the io may go now */
    void (*gate_wait)(void *user);
    void *gate_user;
};

struct telem_i_file_rstream;
struct telem_i_file_rattach;
struct telem_i_file_crows;
struct telem_i_file_mrows;

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
    struct telem_i_file_crows *columns; /* columns coding */
    struct telem_i_file_mrows *mini;    /* mini coding */
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
    telem_file_view *view;       /* telem_file_view_column is at work */
    struct telem_i_file_finder *finder; /* telem_file_read_columns is */
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
    struct telem_i_file_rattach *attach; /* NULL: no attachment was met */
    struct telem_i_file_rzone *zone; /* NULL: the session has none */
    const uint8_t *entries, *entries_end; /* metadata entries left of a block */
    uint64_t entries_offset, entries_bytes;
    telem_file_item queue[8], held_item;
    uint32_t stream_count, max_columns, queued, taken;
    uint8_t has_session, has_bad, seq_known, ended, finish, adrift, learnt, tail_end, entries_cut, held, stay;
    uint8_t moved;               /* the io stands elsewhere than behind the window */
    uint8_t carries;             /* attachments may go on in a later file */
    uint64_t strange_at, strange_end; /* where what looked like another session's header was none, and up to where no other is tried */
    uint64_t reread;             /* where bytes did not hold and were read once more, + 1 */
};

#if !defined(TELEM_FILE_NO_FEEDS)
struct telem_feed_writer {
    telem_file_writer w; /* rows go here */
    telem_dir dir;
    telem_io io[2], held; /* the file at hand and the one before or next; the lock */
    telem_clock clock;
    void (*begin)(void *user, telem_file_writer *w);
    void *user;
    uint64_t rotate_bytes, rotate_ns, keep_bytes, keep_ns;
    uint64_t rows_before, blocks_seen, due_bytes; /* w's at the file's begin; at the last look; when to look again */
    uint64_t files_made, files_removed;
    int64_t begun, not_before; /* POSIX ns */
    telem_error error;
    uint32_t number, keep_files, rows_unseen;
    uint8_t at, open, locked, keep_unread; /* at: of io */
    uint8_t unsynced;            /* a sync of the file at hand failed when it was to be left */
    char name[TELEM_FEED_NAME_MAX + 1u];
    char file[TELEM_FEED_FILE_MAX + 1u];
    char text[256]; /* of error.what */
};

struct telem_i_file_mark;

struct telem_feed_reader {
    telem_file_reader r;
    telem_feed_reader_desc desc;
    telem_dir dir;
    telem_io io, next_io;
    uint64_t sequence;    /* 0: not known yet */
    int64_t above;        /* number of the file that was tried last; -1: none */
    struct telem_i_file_mark *marks;
    telem_file_item pending; /* MISSING behind a STREAM */
    telem_error error;
    uint64_t looked_at, listed_at; /* ns */
    telem_clock clock;
    uint32_t number, next_number, mark_count, told;
    uint8_t open, looked, quiet, reading, has_next, has_pending, has_damage, finished, single, is_feed, telling;
    char name[256], file[256];
    char text[256];
};
#endif
#endif /* TELEM_FILE_H */

/* ---- Stop here if you only use the API. ------------------------------------------------------ */

#if defined(TELEM_IMPLEMENTATION) && !defined(TELEM_FILE_H_IMPLEMENTATION)
#define TELEM_FILE_H_IMPLEMENTATION

#if !defined(TELEM_NO_LZ4)
#include <lz4.h>
#endif

/* Search anchors: >>framing >>rows-encode >>blocks-out >>mini-encode >>index-out >>writer >>health
                   >>attachments-out >>window
                   >>rows-decode >>mini-decode
                   >>columns-common >>columns-ints >>columns-numbers >>columns-text >>columns-index
                   >>columns-keys >>columns-block >>attachments-in >>blocks-in >>reader >>seek
                   >>columns-read >>rotate >>dir >>feed-write >>feed-read */

/* >>framing -- what writer and reader share ---------------------------------------------------- */

#define TELEM_I_FILE_HEADER 104u     /* bytes of a stream header of version 1.0 */
#define TELEM_I_FILE_ROOM 128u       /* bytes kept free before a block's payload for its header */
#define TELEM_I_FILE_SLACK 160u      /* bytes behind it: a group, a run token, check and pad */
#define TELEM_I_FILE_INDEXED 128u   /* most bytes that a block takes in an index, with its stream */
#define TELEM_I_FILE_MAX_BLOCK_ROWS 1048576u
#define TELEM_I_FILE_COLUMN_ROWS 65536u    /* distinct rows of a columns block at most */
#define TELEM_I_FILE_COLUMN_DEFAULT 16384u /* and what the codecs' room is made for */
#define TELEM_I_FILE_MINI_ROWS 32u     /* of a mini block at most */
#define TELEM_I_FILE_MINI_DEFAULT 16u
#define TELEM_I_FILE_MINI_DECIMALS 9u  /* of an F32 that is coded as a decimal number at most */
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
    while (*a && *a == *b) a++, b++;
    return *a == *b;
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
        XXH3_INITSTATE(&h->u.h3); /* else a reset believes what lies there: the same seed, and its secret half overwritten */
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

#if !defined(TELEM_FILE_NO_COLUMNS) || !defined(TELEM_FILE_NO_MINI)
/* floats in the order of their values, as two's complement; its own inverse */
static uint64_t telem_i_file_order64(uint64_t b) { return b ^ ((uint64_t)0 - (b >> 63)) >> 1; }
static uint32_t telem_i_file_order32(uint32_t b) { return b ^ ((uint32_t)0 - (b >> 31)) >> 1; }
static uint32_t telem_i_file_order16(uint32_t b) { /* 16 bits, sign-extended; the inverse takes 16 bits, too */
    b = (b & 0xFFFFu) ^ ((b & 0x8000u) ? 0x7FFFu : 0u);
    return (b ^ 0x8000u) - 0x8000u;
}
static uint64_t telem_i_file_order(uint64_t b, uint32_t width) {
    return width == 8 ? telem_i_file_order64(b) : width == 4 ? telem_i_file_order32((uint32_t)b) : telem_i_file_order16((uint32_t)b);
}
#endif

#if !defined(TELEM_FILE_NO_MINI)
/* Of F32 columns with decimals, in a group of mini blocks; NONE: idle so far. */
enum { TELEM_I_FILE_MODE_NONE, TELEM_I_FILE_MODE_BITS, TELEM_I_FILE_MODE_DECIMALS };
#endif

/* >>rows-encode -------------------------------------------------------------------------------- */

/* What the mini coding keeps of a stream. v, the last value of a column, is that of the last row (prev). */
typedef struct telem_i_file_mini {
    uint8_t *rows;         /* of the open block; prev lies before them, row is the next place */
    int64_t *times, last;  /* last: of the row before them */
    uint32_t *diff, *next; /* e of each column, the time first; next: behind the block at hand */
    uint8_t *mode;
    uint32_t goal;         /* rows to a block: what fits */
    int64_t run_first;     /* time of the first of wstream.run rows without a change, which lie nowhere */
} telem_i_file_mini;

/* One stream of a writer. */
typedef struct telem_i_file_wstream {
    const telem_schema *schema;
    const char *name;
    telem_clock clock;
    uint64_t fingerprint, encoding; /* of the schema: and its size */
    uint32_t id, clock_id, row_size, capacity;
    uint8_t has_optional, has_counter, has_variable, has_bool, need_key, all_present, saw_null;
    uint8_t *row, *prev;      /* row form: the one at hand, the one before */
    uint8_t *out;             /* coded payload */
    uint8_t *room;            /* for the schema's encoding, when that is more than `out`; NULL: `out` */
    size_t room_size;
    uint32_t used, rows, run; /* bytes, rows in the block, repeats not yet written (of the rows, in mini coding) */
    uint8_t disorder, key;    /* of the open block */
    int64_t t, step;          /* section 6 */
    int64_t first, min, max;  /* times of the open block */
    uint64_t start_row, next_row, first_row;
    uint64_t key_row, key_seq, group_bytes, group_rows;
    int64_t key_time, announced;
    uint8_t has_announced;
    uint64_t age_ticks, key_ticks, announce_ticks;
    uint64_t schema_pos, blocks, bytes, lost, declined;
    uint64_t begun;  /* number of this writer's first row */
    uint64_t untold; /* of `lost`: not yet in a loss block */
    int64_t lost_first, lost_last;
    uint64_t staged_rows, staged_turn; /* rows in blocks that are not wholly with the io */
    struct telem_i_file_gather *g; /* columns coding */
    telem_i_file_mini *mini;       /* mini coding */
    uint64_t sealed_row; /* one past the rows of the blocks written */
#if !defined(TELEM_FILE_NO_FEEDS)
    uint64_t old_schema_pos, old_start_row; /* of the file before, while the next one begins */
    uint64_t lost_before;                   /* in files before this one */
    uint8_t old_repeats;
#endif
    uint32_t place;      /* in the writer's table */
    uint32_t journal_at, journal_generation; /* of its latest whole row in the zone */
    uint32_t goal, last_bytes; /* columns: coded bytes that a block should have; that the last one had */
    uint8_t ageless; /* rows of one call */
    uint8_t repeats; /* of its schema block, on a disk */
    uint8_t refused, unsaid; /* its add answered an error; its schema is not with the io */
    struct {
        uint64_t rows;
        int64_t min, max;
    } covered[TELEM_I_FILE_LEVELS];
} telem_i_file_wstream;

/* A row being coded: groups of eight columns. */
typedef struct telem_i_file_coder {
    uint8_t *p;      /* the open group's mask byte will stand here */
    uint8_t *values; /* where its next value goes: room for tag bytes is left before */
    uint8_t *limit;
    uint32_t zeros;  /* unchanged groups not yet written */
    uint8_t n, mask, tags, changed;
    uint8_t room;    /* bytes for tags: 4, mini 0 */
    uint8_t tag[4];
} telem_i_file_coder;

static void telem_i_file_coder_open(telem_i_file_coder *c) {
    c->values = c->p + 1 + c->room;
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
        uint32_t tag_bytes = (c->tags + 1u) / 2u, gap = c->room - tag_bytes;
        uint8_t *to = c->p + 1 + tag_bytes;
        if (gap) /* by words: each is read before it is written to */
            for (; to + gap < c->values; to += 4) telem_put32(to, telem_get32(to + gap));
        c->p[0] = c->mask;
        memcpy(c->p + 1, c->tag, tag_bytes);
        c->p = c->values - gap;
        c->changed = 1;
    }
    telem_i_file_coder_open(c);
}

/* The group is about to get its first coded column: unchanged groups before it come first. */
static void telem_i_file_coder_mark(telem_i_file_coder *c) {
    if (c->mask == 0 && c->zeros) {
        telem_i_file_coder_zeros(c);
        c->values = c->p + 1 + c->room;
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

/* A text against the one before: (p, n, bytes) of section 6. Returns 0 when the bytes do not fit. */
static int telem_i_file_put_text(telem_i_file_coder *c, const telem_column *col, const uint8_t *value, const uint8_t *prev) {
    uint32_t len, was, same = 0;
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
    if (c->values > c->limit || len - same > (size_t)(c->limit - c->values)) return 0;
    c->values += telem_varint_put(c->values, same);
    c->values += telem_varint_put(c->values, len - same);
    memcpy(c->values, value + same, len - same);
    c->values += len - same;
    return 1;
}

static int telem_i_file_code_text(telem_i_file_coder *c, const telem_column *col, const uint8_t *value, const uint8_t *prev) {
    if (memcmp(value, prev, col->width) != 0) {
        telem_i_file_coder_mark(c);
        if (!telem_i_file_put_text(c, col, value, prev)) return 0;
    }
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

/* What column k of a group adds: 0 nothing. Columns of 4 bytes or fewer. */
TELEM_I_INLINE uint32_t telem_i_file_group_delta(const uint8_t *a, const uint8_t *b, uint32_t width, uint32_t real, uint32_t counter) {
    uint32_t d, drop = 32u - 8u * width;
    if (width == 4) d = real ? telem_get32(a) ^ telem_get32(b) : telem_get32(a) - telem_get32(b) - counter;
    else if (width == 2) d = real ? (uint32_t)telem_get16(a) ^ telem_get16(b) : (uint32_t)telem_get16(a) - telem_get16(b) - counter;
    else d = (uint32_t)a[0] - b[0] - counter;
    if (real) return d;
    d <<= drop;
    return (d << 1 ^ ((uint32_t)0 - (d >> 31))) >> drop;
}

/* Zero bytes at the top of a number that is not 0. */
TELEM_I_INLINE uint32_t telem_i_file_top_zeros(uint32_t d) {
#if defined(__GNUC__) || defined(__clang__)
    return (uint32_t)__builtin_clz(d) >> 3;
#else
    return (d < 0x100u) + (d < 0x10000u) + (d < 0x1000000u);
#endif
}
#if defined(__GNUC__) || defined(__clang__)
#define TELEM_I_FILE_RARE(x) __builtin_expect(x, 0)
#else
#define TELEM_I_FILE_RARE(x) (x)
#endif

/* A whole group of numbers that is not the same as before: the steps that telem_i_file_code_int and
   telem_i_file_code_float take, for eight at once, in registers. The values go where they belong when seven
   or eight of them changed, and come down when fewer did. */
TELEM_I_INLINE void telem_i_file_code_eight(telem_i_file_coder *c, const uint8_t *a, const uint8_t *b, uint32_t width, uint32_t real, uint32_t counter) {
    uint32_t mask = 0, tags = 0, shift = 0, k, gap; /* tags: each less 3, added at the end */
    uint8_t *p, *v, *to;
    if (c->zeros) telem_i_file_coder_zeros(c);
    p = c->p;
    v = p + 5;
    for (k = 0; k < 8; k++, a += width, b += width) {
        uint32_t d = telem_i_file_group_delta(a, b, width, real, counter), top;
        mask >>= 1;
        if (d == 0) continue;
        mask |= 0x80u;
        if (!real && d <= 8) {
            tags += (d + 4u) << shift;
        } else {
            top = telem_i_file_top_zeros(d);
            if (real && TELEM_I_FILE_RARE((d & 0xFFu) == 0)) { /* perhaps fewer bytes from the top */
                uint32_t high = width - 1u, rest = d >> 8;
                while ((rest & 0xFFu) == 0) rest >>= 8, high--;
                if (high + top <= 3u) { /* below the 4 - top of the others: the tag is high + 7 */
                    d = rest;
                    tags += 8u << shift;
                    top = 4u - high;
                }
            }
            telem_put32(v, d); /* what is too much is written over */
            v += 4;
            v -= top;
            tags -= top << shift;
        }
        shift += 4;
    }
    p[0] = (uint8_t)mask;
    telem_put32(p + 1, tags + (0x33333333u & (shift < 32 ? (1u << shift) - 1u : UINT32_MAX)));
    gap = 4u - (shift + 4u) / 8u;
    if (gap) { /* by words: each is read before it is written to */
        for (to = p + 5 - gap; to + gap < v; to += 4) telem_put32(to, telem_get32(to + gap));
        v -= gap;
    }
    c->p = v;
    c->values = v + 5; /* the rest of the group is as it was: none begun */
    c->changed = 1;
}

/* memcmp, which small libraries do byte by byte. */
TELEM_I_INLINE int telem_i_file_equal(const uint8_t *a, const uint8_t *b, size_t n) {
#if defined(__ARM_FEATURE_UNALIGNED) && defined(__thumb__)
    for (; n >= 16; n -= 16, a += 16, b += 16)
        if (telem_get32(a) != telem_get32(b) || telem_get32(a + 4) != telem_get32(b + 4) ||
            telem_get32(a + 8) != telem_get32(b + 8) || telem_get32(a + 12) != telem_get32(b + 12)) return 0;
    for (; n; n--)
        if (*a++ != *b++) return 0;
    return 1;
#else
    return memcmp(a, b, n) == 0;
#endif
}

/* The commonest has a loop of its own. */
TELEM_I_APART void telem_i_file_code_floats(telem_i_file_coder *c, const uint8_t *a, const uint8_t *b) {
    telem_i_file_code_eight(c, a, b, 4, 1, 0);
}
TELEM_I_APART void telem_i_file_code_numbers(telem_i_file_coder *c, const uint8_t *a, const uint8_t *b, uint32_t width, uint32_t real, uint32_t counter) {
    telem_i_file_code_eight(c, a, b, width, real, counter);
}

/* Did eight counters all count? */
static int telem_i_file_counted(const uint8_t *a, const uint8_t *b, uint32_t width) {
    uint32_t k = 0;
    while (k < 8 && telem_i_file_group_delta(a + k * width, b + k * width, width, 0, 1) == 0) k++;
    return k == 8;
}

/* Eight columns at a time, of n, until the block is full or they are to be coded one by one. Returns how many. */
static uint32_t telem_i_file_code_groups(telem_i_file_coder *c, const telem_column *col, const uint8_t *a, const uint8_t *b, uint32_t n, uint32_t counter) {
    uint32_t left = n, w = col->width, step = 8u * w, real = (uint32_t)telem_i_file_codes_float(col->type);
    for (; left >= 8 && c->p <= c->limit; left -= 8, a += step, b += step) {
        if (!counter && telem_i_file_equal(a, b, step)) c->zeros++;
        else if (w > 4 || col->type == TELEM_BOOL) break;
        else if (w == 4 && real) telem_i_file_code_floats(c, a, b);
        else if (counter && telem_i_file_counted(a, b, w)) c->zeros++;
        else telem_i_file_code_numbers(c, a, b, w, real, counter);
    }
    return n - left;
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
            uint32_t done = telem_i_file_code_groups(c, col, a, b, col->count - i, counter);
            if (c->p > c->limit) return 0;
            if (done) {
                i += done;
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
    c.room = 4;
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

/* `to` becomes the row `from`, but what is absent stays. */
static void telem_i_file_overlay(const telem_schema *schema, uint8_t *to, const uint8_t *from) {
    telem_columns it;
    telem_column col;
    uint32_t absent_end = 0;
    telem_columns_begin(&it, schema);
    while (telem_columns_next(&it, &col)) {
        if (col.row < absent_end) continue;
        memcpy(to + col.row, from + col.row, (size_t)col.width * col.count);
        if (col.presence && from[col.row] == 0) absent_end = col.row + 1u + col.covers;
    }
}

/* After a row was coded it becomes P. */
static void telem_i_file_keep_row(telem_i_file_wstream *s) {
    uint8_t *t = s->prev;
    if (s->has_optional) {
        telem_i_file_overlay(s->schema, s->prev, s->row);
    } else {
        s->prev = s->row;
        s->row = t;
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

#if !defined(TELEM_FILE_NO_COLUMNS)
static telem_result telem_i_file_close_columns(telem_file_writer *w, telem_i_file_wstream *s);
static telem_result telem_i_file_gather_row(telem_file_writer *w, telem_i_file_wstream *s, int64_t time);
static int telem_i_file_quick_row(telem_file_writer *w, telem_i_file_wstream *s, int64_t time, const void *row);
static telem_result telem_i_file_refuse_row(telem_file_writer *w, telem_i_file_wstream *s, int64_t time);
static void telem_i_file_poll_columns(telem_file_writer *w, telem_i_file_wstream *s, int64_t now);
static void telem_i_file_trouble(telem_file_writer *w, uint32_t is);
static int telem_i_file_troubled(const telem_file_writer *w);
static int telem_i_file_is_native(const telem_i_file_wstream *s);
static uint64_t telem_i_file_waiting(const telem_i_file_wstream *s);
static void telem_i_file_give_up_columns(telem_file_writer *w, telem_i_file_wstream *s);
static void telem_i_file_acquire(telem_file_writer *w);
static void telem_i_file_release(telem_file_writer *w);
static void telem_i_file_settle(telem_file_writer *w, int whole);
static int telem_i_file_helped(const telem_file_writer *w);
#if !defined(TELEM_FILE_NO_JOURNAL)
static void telem_i_file_seal_early(telem_file_writer *w, telem_i_file_wstream *s);
#endif
static void telem_i_file_gather_make(telem_file_writer *w, telem_i_file_wstream *s);
static void telem_i_file_gather_drop(telem_file_writer *w, telem_i_file_wstream *s);
struct telem_i_file_cshared;
static uint64_t telem_i_file_gather_bytes(const telem_file_writer_desc *f, const telem_file_stream_desc *s, const struct telem_i_file_cshared *x);
static size_t telem_i_file_shared_bytes(const telem_file_writer_desc *f);
static void telem_i_file_shared_make(telem_file_writer *w);
#else
static void telem_i_file_acquire(telem_file_writer *w) { (void)w; }
static void telem_i_file_release(telem_file_writer *w) { (void)w; }
static int telem_i_file_troubled(const telem_file_writer *w) { return w->error.code != TELEM_OK; }
#endif

#if !defined(TELEM_FILE_NO_JOURNAL)
static void telem_i_file_journal_sealed(telem_file_writer *w);
#endif
#if !defined(TELEM_I_FILE_POINT) /* a test's hook behind each store of the journal and each write */
#define TELEM_I_FILE_POINT() ((void)0)
#endif

static void telem_i_file_writer_fail(telem_file_writer *w, telem_result code, const char *what) {
    if (w->error.code != TELEM_OK) return; /* the first one sticks */
    w->error.code = code;
    w->error.offset = w->pos;
    w->error.what = what;
#if !defined(TELEM_FILE_NO_COLUMNS)
    telem_i_file_trouble(w, 1);
#endif
}

#if defined(TELEM_NO_TEXT)
#define telem_i_file_writer_fail(w, code, what) telem_i_file_writer_fail(w, code, TELEM_I_WORDS(what))
#endif

/* Returns how many bytes the io did not take. */
static size_t telem_i_file_io_out(telem_file_writer *w, const uint8_t *p, size_t n) {
    while (n > 0 && w->error.code == TELEM_OK) {
        int64_t took = w->desc.io->write(w->desc.io->user, p, n);
        if (took < 0) {
#if TELEM_I_SYSTEM
            if (took == TELEM_ERR_ACCESS) telem_i_file_writer_fail(w, TELEM_ERR_ACCESS, "the io must not be written to: is its file open, and for writing?");
#endif
            telem_i_file_writer_fail(w, (telem_result)took, "writing to the io failed");
        } else if (took == 0 || (uint64_t)took > n) {
            telem_i_file_writer_fail(w, TELEM_ERR_IO, "the io took no bytes");
        } else {
            w->pos += (uint64_t)took;
            p += (size_t)took;
            n -= (size_t)took;
            TELEM_I_FILE_POINT();
        }
    }
    return n;
}

/* The staged io block goes out. Where the io fails it stays, for telem_file_writer_clear. */
static void telem_i_file_stage_out(telem_file_writer *w) {
    uint32_t block = w->desc.io->block_size, left = (uint32_t)telem_i_file_io_out(w, w->stage + w->stage_done, block - w->stage_done);
    w->stage_done = left ? block - left : 0;
    if (left) return;
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

#if !defined(TELEM_FILE_NO_COLUMNS)
static uint64_t telem_i_file_watch_now(const telem_file_watch *h) { return h->clock.read(h->clock.user); }
static uint32_t telem_i_file_watch_ns(const telem_file_watch *h, uint64_t ticks) {
    int64_t ns = telem_ticks_to_ns(&h->clock, ticks > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)ticks);
    return ns > (int64_t)UINT32_MAX ? UINT32_MAX : ns < 0 ? 0 : (uint32_t)ns;
}
#endif

/* The io's sync. Where the writer's health is asked for its time is taken: one thread syncs at a time, the
   writer's own reads. */
static telem_result telem_i_file_io_sync(telem_file_writer *w) {
    telem_io *io = w->desc.io;
    telem_result r;
#if !defined(TELEM_FILE_NO_COLUMNS)
    telem_file_watch *h = w->health;
    uint64_t begin = h ? telem_i_file_watch_now(h) : 0;
    uint32_t ns;
#endif
    r = io->sync ? io->sync(io->user) : TELEM_OK;
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (!h || !io->sync) return r;
    ns = telem_i_file_watch_ns(h, telem_i_file_watch_now(h) - begin);
    TELEM_STORE32_RELAXED(&h->syncs, TELEM_LOAD32_RELAXED(&h->syncs) + 1u);
    if (ns > TELEM_LOAD32_RELAXED(&h->sync_ns)) TELEM_STORE32_RELAXED(&h->sync_ns, ns);
#endif
    return r;
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

/* NULL: none. */
static struct telem_i_file_windex *telem_i_file_index_of(const telem_file_writer *w) {
#if defined(TELEM_FILE_NO_INDEX)
    (void)w;
    return NULL;
#else
    return w->index;
#endif
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

/* Emits a block that is not data. On a sticky error nothing is written. TELEM_OK: it can be read; where the io failed in
   its pad, which telem_file_writer_clear completes, the error sticks all the same. */
static telem_result telem_i_file_emit_block(telem_file_writer *w, uint8_t kind, const uint8_t *fields, size_t n_fields,
                                       void (*body)(telem_i_file_body *b, const void *arg), const void *arg) {
    uint8_t room[TELEM_I_FILE_ROOM];
    telem_i_file_body b;
    size_t size, total, tail;
    uint32_t check;
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (w->columns) telem_i_file_settle(w, 0);
#endif
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
    tail = (size_t)(total - size - b.len);
    tail = telem_i_file_out(w, room, tail) + 4u <= tail ? 0 : 1; /* it lacks more than its pad */
    w->seq++;
    return tail ? w->error.code : TELEM_OK;
}
/* .. and any but an index block goes into the index. */
static telem_result telem_i_file_emit(telem_file_writer *w, uint8_t kind, const uint8_t *fields, size_t n_fields,
                                 void (*body)(telem_i_file_body *b, const void *arg), const void *arg) {
    uint64_t start = telem_i_file_tell(w);
    telem_result r = telem_i_file_emit_block(w, kind, fields, n_fields, body, arg);
    if (r != TELEM_OK) return r;
    telem_i_file_index_add(w, kind, start, NULL);
    telem_i_file_index_due(w);
    return r; /* the block is there, even where the index behind it failed */
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
    if (!telem_i_file_index_of(w)) return;
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

/* A block on its way out: header, payload, check and pad in one piece of memory. */
typedef struct telem_i_file_frame {
    uint8_t *p;
    size_t head, len, total; /* bytes of the header and of the payload; of all */
    size_t hashed, done;     /* of the payload; of all, for blocks that go out bit by bit */
    uint64_t pos;
    uint32_t check;
    uint8_t kind;
} telem_i_file_frame;

/* The header goes right before the payload, which has TELEM_I_FILE_ROOM bytes free before it and the slack
   behind. `seal`: where in it a check of what stands before goes; 0: nowhere. */
static void telem_i_file_frame_open(telem_file_writer *w, telem_i_file_wstream *s, uint8_t kind, uint8_t *payload, size_t len, size_t seal,
                                    telem_i_file_frame *f) {
    uint8_t fields[80], head[TELEM_I_FILE_ROOM];
    size_t n_fields = telem_i_file_data_fields(w, s, fields);
    memset(f, 0, sizeof *f);
    f->kind = (uint8_t)(kind | (s->key ? TELEM_I_FILE_KEY : 0u));
    f->pos = telem_i_file_tell(w);
    f->len = len;
    f->head = telem_i_file_block_header(&w->framing, head, f->kind, w->seq, len, fields, n_fields, &f->check);
    f->p = payload - f->head;
    memcpy(f->p, head, f->head);
    if (seal) telem_put32(payload + seal, telem_i_file_payload_hash(&w->framing, payload, seal, f->check));
    f->total = telem_i_file_aligned(&w->framing, f->head + len + 4u);
    memset(payload + len, 0, f->total - f->head - len);
}

/* Is a block whole when zeros follow where the io took no more? telem_file_writer_clear writes them: they stand for
   its pad, and for as much of its check as happens to be 0. */
static int telem_i_file_frame_whole(telem_file_writer *w, const telem_i_file_frame *f, size_t cut) {
    size_t end = f->head + f->len + 4u, pad = f->total - end, left = cut > pad ? cut - pad : 0;
    if (left >= w->framing.align) return 0; /* what clear writes in any case does not complete it */
    for (; left; left--)
        if (f->p[end - left] != 0) return 0;
    if (cut) w->lacks = (uint8_t)cut;
    return 1;
}

/* The block is out, but for `cut` bytes that never will be. */
static void telem_i_file_frame_close(telem_file_writer *w, telem_i_file_wstream *s, const telem_i_file_frame *f, size_t cut) {
    s->group_bytes += s->g ? f->len : s->used;
    s->group_rows += s->rows;
    s->sealed_row = s->first_row + s->rows;
    s->last_bytes = (uint32_t)f->len;
    s->bytes += f->total;
    s->blocks++;
    w->seq++;
    if (!telem_i_file_frame_whole(w, f, cut)) {
        telem_i_file_lose(w, s, s->rows, s->min, s->max);
    } else {
        telem_i_file_cover(w, s);
        telem_i_file_index_add(w, f->kind, f->pos, s);
        if (s->staged_turn != w->turn) s->staged_rows = 0;
        s->staged_turn = w->turn;
        if (w->staged || cut) s->staged_rows += s->rows;
    }
    if (s->key) s->key_seq = w->seq - 1u;
    s->rows = s->used = 0;
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_i_file_journal_sealed(w);
#endif
    telem_i_file_index_due(w);
}

/* Writes the open block of a stream. */
static void telem_i_file_frame_block(telem_file_writer *w, telem_i_file_wstream *s, uint8_t kind, uint8_t *payload, size_t len) {
    telem_i_file_frame f;
    telem_i_file_frame_open(w, s, kind, payload, len, 0, &f);
    telem_put32(payload + len, telem_i_file_payload_hash(&w->framing, payload, len, f.check));
    telem_i_file_frame_close(w, s, &f, telem_i_file_out(w, f.p, f.total));
}

#if !defined(TELEM_FILE_NO_MINI)
/* >>mini-encode -- section 7. Rows gather in a tile; a block is its columns, each against its own last value. */

/* A column of the block at hand: what each row adds to the one before. */
typedef struct telem_i_file_mini_item {
    union {
        uint32_t w32[TELEM_I_FILE_MINI_ROWS]; /* of columns of 4 bytes or fewer: zigzags less `counter`, at the top of the word */
        uint64_t w64[TELEM_I_FILE_MINI_ROWS];
    } step;
    uint32_t e;      /* behind the block */
    uint32_t before, counter; /* what the first row, and without linear each, is expected to add */
    uint32_t plain, slope;
    uint8_t bits, linear, idle, drop; /* drop: of w32, bits below the value */
} telem_i_file_mini_item;

static float telem_i_file_power10(uint32_t n) {
    float p = 1.0f;
    while (n--) p *= 10.0f; /* exact up to 10^10 */
    return p;
}

/* The k of section 7 for a value with these bits. 0: it has none that is exact in a float. */
static int telem_i_file_to_decimal(uint32_t bits, float power, uint32_t *k) {
    float x, y;
    int32_t i;
    uint32_t check;
    memcpy(&x, &bits, 4);
    y = x * power;
    if (!(y > -16777216.0f && y < 16777216.0f)) return 0; /* 2^24: k follows from the value */
    i = (int32_t)y;
    if (y - (float)i >= 0.5f) i++;
    else if (y - (float)i <= -0.5f) i--;
    y = (float)i / power;
    memcpy(&check, &y, 4);
    *k = (uint32_t)i;
    return check == bits;
}

/* 1: all rows have a k. */
static int telem_i_file_mini_decimals(const telem_i_file_wstream *s, size_t at, uint32_t n, float power) {
    const uint8_t *p = s->mini->rows + at;
    uint32_t i, k;
    for (i = 0; i < n; i++, p += s->row_size)
        if (!telem_i_file_to_decimal(telem_get32(p), power, &k)) return 0;
    return 1;
}

/* How the values of a column of 4 bytes or fewer are made: loops of their own for what is common, the others
   are gathered before. Values lie at the top of a word, so that differences wrap as the column does. */
enum { TELEM_I_FILE_MINI_U16, TELEM_I_FILE_MINI_U32, TELEM_I_FILE_MINI_F32, TELEM_I_FILE_MINI_GATHERED };

TELEM_I_INLINE uint32_t telem_i_file_mini_load(const uint8_t *p, uint32_t kind) {
    switch (kind) {
    case TELEM_I_FILE_MINI_U16: return (uint32_t)telem_get16(p) << 16;
    case TELEM_I_FILE_MINI_F32: return telem_i_file_order32(telem_get32(p));
    default: return telem_get32(p);
    }
}
TELEM_I_INLINE uint32_t telem_i_file_mini_sign(uint32_t d) { return (uint32_t)0 - (d >> 31); }
TELEM_I_INLINE uint32_t telem_i_file_mini_zigzag(uint32_t d) { return d << 1 ^ telem_i_file_mini_sign(d); }

TELEM_I_INLINE uint32_t telem_i_file_mini_width32(uint32_t v) {
#if defined(__GNUC__) || defined(__clang__)
    return v ? 32u - (uint32_t)__builtin_clz(v) : 0;
#else
    uint32_t n = 0;
    for (; v; v >>= 1) n++;
    return n;
#endif
}

/* The steps of n rows, and what their residuals have in common: plain, and against the step before. Most of
   what the mini coding costs is here and in telem_i_file_mini_pack. */
TELEM_I_INLINE void telem_i_file_mini_scan(telem_i_file_mini_item *x, const uint8_t *p, size_t stride, uint32_t n, uint32_t last, uint32_t kind) {
    uint32_t before = x->before << x->drop, counter = kind == TELEM_I_FILE_MINI_F32 ? 0u : x->counter << x->drop;
    uint32_t plain = 0, linear = 0, *to = x->step.w32, *stop = to + n, *look = n > 4u ? to + 4 : stop, v, d = 0;
    do {
        v = kind == TELEM_I_FILE_MINI_GATHERED ? *to : telem_i_file_mini_load(p, kind), d = v - last;
        p += stride;
        last = v;
        plain |= *to++ = telem_i_file_mini_zigzag(d - counter);
        linear |= telem_i_file_mini_zigzag(d - before);
        before = d;
        if (to != look) continue;
        look = stop;
        if (telem_i_file_mini_width32(linear) >= telem_i_file_mini_width32(plain)) break; /* not linear: half the work */
    } while (to != stop);
    if (to != stop) linear = UINT32_MAX;
    for (; to != stop; p += stride) {
        v = kind == TELEM_I_FILE_MINI_GATHERED ? *to : telem_i_file_mini_load(p, kind), d = v - last;
        last = v;
        plain |= *to++ = telem_i_file_mini_zigzag(d - counter);
    }
    x->plain = plain, x->slope = linear, x->e = d;
}
TELEM_I_APART void telem_i_file_mini_scan_f32(telem_i_file_mini_item *x, const uint8_t *p, size_t stride, uint32_t n, const uint8_t *prev) {
    telem_i_file_mini_scan(x, p, stride, n, telem_i_file_order32(telem_get32(prev)), TELEM_I_FILE_MINI_F32);
}
TELEM_I_APART void telem_i_file_mini_scan_u32(telem_i_file_mini_item *x, const uint8_t *p, size_t stride, uint32_t n, const uint8_t *prev) {
    telem_i_file_mini_scan(x, p, stride, n, telem_get32(prev), TELEM_I_FILE_MINI_U32);
}
TELEM_I_APART void telem_i_file_mini_scan_u16(telem_i_file_mini_item *x, const uint8_t *p, size_t stride, uint32_t n, const uint8_t *prev) {
    telem_i_file_mini_scan(x, p, stride, n, (uint32_t)telem_get16(prev) << 16, TELEM_I_FILE_MINI_U16);
}

/* Bytes, F16, and F32 as decimal numbers. */
static uint32_t telem_i_file_mini_other(const uint8_t *p, uint32_t width, float power) {
    uint32_t k = 0;
    if (width == 1) return (uint32_t)p[0] << 24;
    if (width == 2) return telem_i_file_order16(telem_get16(p)) << 16;
    (void)telem_i_file_to_decimal(telem_get32(p), power, &k);
    return k;
}
static void telem_i_file_mini_scan_other(telem_i_file_mini_item *x, const uint8_t *p, size_t stride, uint32_t n, const uint8_t *prev, uint32_t width, float power) {
    uint32_t i;
    for (i = 0; i < n; i++, p += stride) x->step.w32[i] = telem_i_file_mini_other(p, width, power);
    telem_i_file_mini_scan(x, p, 0, n, telem_i_file_mini_other(prev, width, power), TELEM_I_FILE_MINI_GATHERED);
}

/* The predictor whose residuals are narrower, plain when equal. */
static void telem_i_file_mini_scan32(telem_i_file_mini_item *x, const telem_i_file_wstream *s, const telem_column *col, size_t at, uint32_t n, float power) {
    const uint8_t *p = s->mini->rows + at, *prev = s->prev + at;
    int real = telem_i_file_codes_float(col->type);
    uint32_t plain, linear, sign;
    x->drop = (uint8_t)(32u - 8u * col->width);
    if (col->width == 4 && real && !(power > 0.0f)) telem_i_file_mini_scan_f32(x, p, s->row_size, n, prev);
    else if (col->width == 4 && !real) telem_i_file_mini_scan_u32(x, p, s->row_size, n, prev);
    else if (col->width == 2 && !real) telem_i_file_mini_scan_u16(x, p, s->row_size, n, prev);
    else telem_i_file_mini_scan_other(x, p, s->row_size, n, prev, col->width, power);
    sign = telem_i_file_mini_sign(x->e); /* the last step, at the bottom of its word */
    x->e = ((x->e ^ sign) >> x->drop) ^ sign;
    plain = telem_i_file_mini_width32(x->plain >> x->drop);
    linear = telem_i_file_mini_width32(x->slope >> x->drop);
    x->idle = plain == 0;
    x->linear = linear < plain;
    x->bits = (uint8_t)(x->linear ? linear : plain);
}

/* 1: n rows have the value of the row before: the common case of a quiet column, at a third of the cost. */
static int telem_i_file_mini_still(const uint8_t *p, size_t stride, uint32_t n, const uint8_t *prev, uint32_t width) {
    uint32_t v;
    if (width == 4) {
        v = telem_get32(prev);
        for (; n >= 2; n -= 2, p += 2 * stride)
            if (telem_get32(p) != v || telem_get32(p + stride) != v) return 0;
        return n == 0 || telem_get32(p) == v;
    }
    for (; n; n--, p += stride)
        if (width == 2 ? telem_get16(p) != telem_get16(prev) : memcmp(p, prev, width) != 0) return 0;
    return 1;
}

static uint64_t telem_i_file_mini_extend(uint32_t e) { return (e ^ (uint64_t)0x80000000u) - 0x80000000u; }
static uint32_t telem_i_file_mini_width64(uint64_t v) {
    uint32_t high = (uint32_t)(v >> 32);
    return high ? 32u + telem_i_file_mini_width32(high) : telem_i_file_mini_width32((uint32_t)(v & 0xFFFFFFFFu));
}

/* The same for 8 bytes and for the time, whose idle is that it goes on by e: of the steps in x->step.w64. */
static void telem_i_file_mini_scan64(telem_i_file_mini_item *x, uint32_t n, int time) {
    uint64_t plain = 0, linear = 0, before = telem_i_file_mini_extend(x->before);
    uint32_t i, p, l;
    for (i = 0; i < n; i++) {
        uint64_t d = x->step.w64[i];
        plain |= telem_zigzag(telem_i_signed(d - x->counter));
        linear |= telem_zigzag(telem_i_signed(d - before));
        before = telem_i_file_mini_extend((uint32_t)(d & 0xFFFFFFFFu));
    }
    x->e = (uint32_t)(before & 0xFFFFFFFFu);
    x->idle = time ? linear == 0 : plain == 0;
    p = telem_i_file_mini_width64(plain);
    l = telem_i_file_mini_width64(linear);
    x->linear = l < p;
    x->bits = (uint8_t)(x->linear ? l : p);
}

static void telem_i_file_mini_steps64(telem_i_file_mini_item *x, const telem_i_file_wstream *s, const telem_column *col, size_t at, uint32_t n) {
    const uint8_t *p = s->prev + at;
    uint64_t before = telem_get64(p), v;
    uint32_t i;
    int real = telem_i_file_codes_float(col->type);
    if (real) before = telem_i_file_order64(before);
    for (p = s->mini->rows + at, i = 0; i < n; i++, p += s->row_size) {
        v = telem_get64(p);
        if (real) v = telem_i_file_order64(v);
        x->step.w64[i] = v - before;
        before = v;
    }
}

typedef struct telem_i_file_mini_bits {
    uint8_t *p;
    uint32_t word, fill;
} telem_i_file_mini_bits;

static void telem_i_file_mini_bits_put(telem_i_file_mini_bits *b, uint32_t v, uint32_t n) {
    b->word |= v << b->fill;
    b->fill += n;
    if (b->fill < 32) return;
    telem_put32(b->p, b->word);
    b->p += 4;
    b->fill -= 32;
    b->word = b->fill ? v >> (n - b->fill) : 0;
}

TELEM_I_INLINE void telem_i_file_mini_pack(telem_i_file_mini_bits *b, const telem_i_file_mini_item *x, uint32_t n, int linear) {
    uint32_t drop = x->drop, before = (x->before - x->counter) << drop, word = 0, fill = 0, bits = x->bits;
    const uint32_t *from = x->step.w32, *stop = from + n;
    uint8_t *p = b->p;
    do {
        uint32_t r = *from++, d;
        if (linear) {
            d = r >> 1 ^ ((uint32_t)0 - (r & 1u));
            r = telem_i_file_mini_zigzag(d - before);
            before = d;
        }
        r >>= drop;
        word |= r << fill;
        fill += bits;
        if (fill < 32) continue;
        telem_put32(p, word);
        p += 4;
        fill -= 32;
        word = fill ? r >> (bits - fill) : 0;
    } while (from != stop);
    b->p = p;
    b->word = word;
}
TELEM_I_APART void telem_i_file_mini_pack_linear(telem_i_file_mini_bits *b, const telem_i_file_mini_item *x, uint32_t n) {
    telem_i_file_mini_pack(b, x, n, 1);
}
TELEM_I_APART void telem_i_file_mini_pack_plain(telem_i_file_mini_bits *b, const telem_i_file_mini_item *x, uint32_t n) {
    telem_i_file_mini_pack(b, x, n, 0);
}

static void telem_i_file_mini_pack64(telem_i_file_mini_bits *b, const telem_i_file_mini_item *x, uint32_t n) {
    uint64_t before = x->linear ? telem_i_file_mini_extend(x->before) : x->counter;
    uint32_t i;
    for (i = 0; i < n; i++) {
        uint64_t d = x->step.w64[i], r = telem_zigzag(telem_i_signed(d - before));
        if (x->linear) before = telem_i_file_mini_extend((uint32_t)(d & 0xFFFFFFFFu));
        telem_i_file_mini_bits_put(b, (uint32_t)(r & 0xFFFFFFFFu), x->bits > 32 ? 32 : x->bits);
        if (x->bits > 32) telem_i_file_mini_bits_put(b, (uint32_t)(r >> 32), x->bits - 32u);
    }
}

/* Writes an item. 0: it does not fit. */
static int telem_i_file_mini_put(telem_i_file_coder *c, const telem_i_file_mini_item *x, uint32_t n, uint32_t width, int decimal) {
    telem_i_file_mini_bits b;
    uint32_t size = (n * x->bits + 7u) / 8u;
    if (!x->idle) {
        telem_i_file_coder_mark(c);
        if (c->values >= c->limit || (size_t)(c->limit - c->values) < size + 1u) return 0;
        *c->values++ = (uint8_t)((decimal ? 65u + x->bits : x->bits) | (x->linear ? 0x80u : 0u));
        b.p = c->values;
        b.word = b.fill = 0;
        if (width == 8) telem_i_file_mini_pack64(&b, x, n);
        else if (x->linear) telem_i_file_mini_pack_linear(&b, x, n);
        else telem_i_file_mini_pack_plain(&b, x, n);
        telem_put32(b.p, b.word); /* what is too much is written over */
        c->values += size;
    }
    telem_i_file_coder_step(c);
    return 1;
}

static int telem_i_file_mini_text(telem_i_file_coder *c, const telem_i_file_wstream *s, const telem_column *col, size_t at, uint32_t n) {
    const uint8_t *before = s->prev + at, *p = s->mini->rows + at;
    uint32_t i, same = 1;
    for (i = 0; i < n && same; i++, p += s->row_size) same = memcmp(p, before, col->width) == 0;
    if (!same) {
        telem_i_file_coder_mark(c);
        if (c->values >= c->limit) return 0;
        *c->values++ = 0;
        for (p = s->mini->rows + at, i = 0; i < n; i++, before = p, p += s->row_size)
            if (!telem_i_file_put_text(c, col, p, before)) return 0;
    }
    telem_i_file_coder_step(c);
    return 1;
}

/* A number column: TELEM_OK, TELEM_ERR_LIMIT (full), TELEM_ERR_RANGE (a value that the mode of the group cannot say). */
static telem_result telem_i_file_mini_number(telem_i_file_coder *c, const telem_i_file_wstream *s, const telem_column *col, size_t at, uint32_t index, uint32_t n, uint32_t counter) {
    telem_i_file_mini *m = s->mini;
    telem_i_file_mini_item x;
    uint32_t decimals = col->presence ? 0u : col->field->decimals;
    float power = 0.0f;
    if (col->type == TELEM_F32 && decimals != 0 && decimals <= TELEM_I_FILE_MINI_DECIMALS + 1u && m->mode[index] != TELEM_I_FILE_MODE_BITS) {
        power = telem_i_file_power10(decimals - 1u);
        if (!telem_i_file_mini_decimals(s, at, s->rows - s->run, power)) {
            if (m->mode[index] == TELEM_I_FILE_MODE_DECIMALS) return TELEM_ERR_RANGE;
            power = 0.0f;
        }
    }
    x.before = m->diff[index];
    x.counter = counter;
    if (col->width == 8) {
        telem_i_file_mini_steps64(&x, s, col, at, n);
        telem_i_file_mini_scan64(&x, n, 0);
    } else {
        telem_i_file_mini_scan32(&x, s, col, at, n, power);
    }
    m->next[index] = x.e;
    if (!x.idle) m->mode[index] = power > 0.0f ? TELEM_I_FILE_MODE_DECIMALS : TELEM_I_FILE_MODE_BITS;
    return telem_i_file_mini_put(c, &x, n, col->width, power > 0.0f) ? TELEM_OK : TELEM_ERR_LIMIT;
}

static int telem_i_file_mini_times(telem_i_file_coder *c, const telem_i_file_wstream *s, uint32_t n) {
    telem_i_file_mini *m = s->mini;
    telem_i_file_mini_item x;
    int64_t before = m->last;
    uint32_t i;
    for (i = 0; i < n; i++) {
        x.step.w64[i] = telem_i_file_since(before, m->times[i]);
        before = m->times[i];
    }
    x.before = m->diff[0];
    x.counter = 0;
    telem_i_file_mini_scan64(&x, n, 1);
    m->next[0] = x.e;
    return telem_i_file_mini_put(c, &x, n, 8, 0);
}

/* Codes the first n rows of the tile. As telem_i_file_mini_number. */
static telem_result telem_i_file_mini_code(telem_i_file_wstream *s, uint32_t n) {
    telem_columns it;
    telem_column col;
    telem_i_file_coder c;
    uint32_t index = 1, i, counter;
    int text;
    memset(&c, 0, sizeof c);
    c.p = s->out;
    c.limit = s->out + s->capacity;
    telem_i_file_coder_open(&c);
    if (!telem_i_file_mini_times(&c, s, n)) return TELEM_ERR_LIMIT;
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &col)) {
        if (col.presence && s->all_present) {
            s->mini->next[index++] = 0;
            continue;
        }
        text = telem_i_file_codes_text(col.type);
        counter = telem_i_file_is_counter(&col) ? 1u : 0u;
        for (i = 0; i < col.count; i++, index++) {
            size_t at = col.row + (size_t)i * col.width;
            telem_result r = TELEM_OK;
            /* rows behind the first n have a say in whether a value is a decimal number */
            if (!text && !counter && n == s->rows - s->run && telem_i_file_mini_still(s->mini->rows + at, s->row_size, n, s->prev + at, col.width)) {
                s->mini->next[index] = 0;
                telem_i_file_coder_step(&c);
                continue;
            }
            if (text) r = telem_i_file_mini_text(&c, s, &col, at, n) ? TELEM_OK : TELEM_ERR_LIMIT;
            else r = telem_i_file_mini_number(&c, s, &col, at, index, n, counter);
            if (r != TELEM_OK) return r;
        }
    }
    if (c.n > 0) telem_i_file_coder_close(&c);
    telem_i_file_coder_zeros(&c);
    if (c.p > c.limit) return TELEM_ERR_LIMIT;
    s->used = (uint32_t)(c.p - s->out);
    return TELEM_OK;
}

/* Columns of a schema, elements and presence counted. */
static uint32_t telem_i_file_mini_columns(const telem_schema *schema) { return 1u + telem_schema_columns(schema); }

static size_t telem_i_file_mini_bytes(const telem_file_writer_desc *f, const telem_schema *schema) {
    size_t columns = telem_i_file_mini_columns(schema);
    return telem_i_file_align8(sizeof(telem_i_file_mini)) + telem_i_file_align8(((size_t)f->block_rows + 1u) * telem_schema_row_size(schema)) +
           8u * (size_t)f->block_rows + 2u * telem_i_file_align8(4u * columns) + telem_i_file_align8(columns);
}

static void telem_i_file_mini_make(telem_file_writer *w, telem_i_file_wstream *s) {
    telem_i_file_mini *m = (telem_i_file_mini *)telem_i_file_take(&w->arena, sizeof *m);
    size_t columns = telem_i_file_mini_columns(s->schema);
    s->prev = (uint8_t *)telem_i_file_take(&w->arena, ((size_t)w->desc.block_rows + 1u) * s->row_size);
    s->row = m->rows = s->prev + s->row_size;
    m->times = (int64_t *)telem_i_file_take(&w->arena, 8u * (size_t)w->desc.block_rows);
    m->diff = (uint32_t *)telem_i_file_take(&w->arena, 4u * columns);
    m->next = (uint32_t *)telem_i_file_take(&w->arena, 4u * columns);
    m->mode = (uint8_t *)telem_i_file_take(&w->arena, columns);
    m->goal = w->desc.block_rows;
    s->mini = m;
}

/* A KEY block begins with the open block's first row. */
static void telem_i_file_mini_reset(telem_i_file_wstream *s) {
    size_t columns = telem_i_file_mini_columns(s->schema);
    memset(s->mini->diff, 0, 4u * columns);
    memset(s->mini->mode, 0, columns);
    s->mini->last = s->key_time;
}

/* s->row, which lies in its place of the tile, is taken. What is absent stays as it was: it costs least. */
static void telem_i_file_mini_take(telem_i_file_wstream *s, int64_t time) {
    telem_columns it;
    telem_column col;
    telem_columns_begin(&it, s->schema);
    while (s->has_optional && telem_columns_next(&it, &col))
        if (col.presence && s->row[col.row] == 0) memcpy(s->row + col.row + 1u, s->row - s->row_size + col.row + 1u, col.covers);
    s->mini->times[s->rows - s->run] = time;
    s->row += s->row_size;
}

/* The header's times of the first n rows of the tile. */
static void telem_i_file_mini_span(telem_i_file_wstream *s, uint32_t n) {
    const int64_t *t = s->mini->times;
    uint32_t i;
    s->first = s->min = s->max = t[0];
    s->disorder = 0;
    for (i = 1; i < n; i++) {
        if (t[i] < t[i - 1u]) s->disorder = 1;
        if (t[i] < s->min) s->min = t[i];
        if (t[i] > s->max) s->max = t[i];
    }
}

/* The first n rows of the tile are coded and framed: the state goes on behind them. A row may be in s->row. */
static void telem_i_file_mini_shift(telem_i_file_wstream *s, uint32_t n, uint32_t left, uint32_t most) {
    telem_i_file_mini *m = s->mini;
    uint32_t *t = m->diff, i;
    size_t size = s->row_size;
    m->last = m->times[n - 1u];
    m->diff = m->next;
    m->next = t;
    for (i = 0; i < 1u + left + (n + left < most); i++) memcpy(s->prev + i * size, s->prev + (i + n) * size, size);
    for (i = 0; i < left; i++) m->times[i] = m->times[i + n];
    s->row = m->rows + (size_t)left * s->row_size;
    s->key = 0;
    s->first_row += n;
    s->rows = left;
}

static void telem_i_file_make_key(telem_i_file_wstream *s, uint64_t row, int64_t time);

/* The open block becomes a KEY block after all. */
static void telem_i_file_mini_rekey(telem_i_file_wstream *s) {
    telem_i_file_make_key(s, s->first_row, s->mini->times[0]);
    s->need_key = 0;
    if (s->all_present) telem_i_file_set_presence(s->schema, s->prev);
}

/* Rows of the open block that lie in the tile. */
static uint32_t telem_i_file_mini_tile(const telem_i_file_wstream *s) { return s->rows - s->run; }

/* Are the rows of the tile the one before them, each a time step later? */
static int telem_i_file_mini_is_idle(const telem_file_writer *w, const telem_i_file_wstream *s) {
    const telem_i_file_mini *m = s->mini;
    uint32_t n = telem_i_file_mini_tile(s), i;
    int64_t before = m->last;
    if (n == 0 || w->desc.block_rows < 2u || s->key || s->need_key || s->has_counter || s->run > UINT16_MAX) return 0;
    for (i = 0; i < n; before = m->times[i++])
        if (telem_i_file_since(before, m->times[i]) != telem_i_file_mini_extend(m->diff[0])) return 0;
    for (i = 0; i < n; i++)
        if (!telem_i_file_equal(m->rows + (size_t)i * s->row_size, s->prev, s->row_size)) return 0;
    return 1;
}

/* They join the run. A row that lies behind them moves to the front. */
static void telem_i_file_mini_join(telem_file_writer *w, telem_i_file_wstream *s) {
    telem_i_file_mini *m = s->mini;
    uint32_t n = telem_i_file_mini_tile(s);
    if (s->run == 0) {
        m->run_first = m->times[0];
        memset(m->diff + 1, 0, 4u * (telem_i_file_mini_columns(s->schema) - 1u));
    }
    m->last = m->times[n - 1u];
    if (n < w->desc.block_rows) memcpy(m->rows, m->rows + (size_t)n * s->row_size, s->row_size);
    s->row = m->rows;
    s->run += n;
}

/* Frames the block that was coded. */
static void telem_i_file_mini_frame(telem_file_writer *w, telem_i_file_wstream *s) {
    size_t packed;
    int lz4;
    uint8_t *payload = telem_i_file_pack_payload(w, s, &packed, &lz4);
    telem_i_file_frame_block(w, s, (uint8_t)(TELEM_BLOCK_MINI | (lz4 ? TELEM_I_FILE_LZ4 : 0u)), payload, packed);
}

/* A block without an item for the run. */
static void telem_i_file_mini_close_run(telem_file_writer *w, telem_i_file_wstream *s) {
    telem_i_file_mini *m = s->mini;
    uint32_t left = telem_i_file_mini_tile(s), columns = telem_i_file_mini_columns(s->schema);
    uint64_t next = s->first_row + s->run;
    telem_columns it;
    telem_column col;
    telem_columns_begin(&it, s->schema);
    while (s->all_present && telem_columns_next(&it, &col)) columns -= col.presence;
    s->first = m->run_first;
    s->disorder = m->last < s->first;
    s->min = s->disorder ? m->last : s->first;
    s->max = s->disorder ? s->first : m->last;
    s->rows = s->run;
    s->run = 0;
    s->out[0] = 0;
    s->used = 1u + (uint32_t)telem_varint_put(s->out + 1, (columns + 7u) / 8u - 1u);
    telem_i_file_frame_block(w, s, TELEM_BLOCK_MINI, s->out, s->used);
    s->first_row = next;
    s->rows = left;
}

/* A KEY block is due where a run begins: its first row is written whole, its second with the time step.
   They go through the front of the tile, which is kept a row short while there is a run. */
static void telem_i_file_mini_key_run(telem_file_writer *w, telem_i_file_wstream *s) {
    telem_i_file_mini *m = s->mini;
    uint32_t left = telem_i_file_mini_tile(s), i, *t;
    uint64_t step = telem_i_file_mini_extend(m->diff[0]);
    int64_t last = m->last;
    uint32_t more = left + (left + 1u < w->desc.block_rows); /* with a row at hand that lies behind them */
    size_t size = s->row_size;
    for (i = more; i > 0; i--) memcpy(m->rows + i * size, m->rows + (i - 1u) * size, size);
    for (i = left; i > 0; i--) m->times[i] = m->times[i - 1u];
    for (i = 0; i < 2u && s->run && w->error.code == TELEM_OK; i++) {
        uint32_t rows = --s->run + left;
        memcpy(m->rows, s->prev, size);
        m->times[0] = m->run_first;
        m->run_first = telem_i_file_plus(m->run_first, step);
        if (i == 0) telem_i_file_mini_rekey(s);
        (void)telem_i_file_mini_code(s, 1);
        telem_i_file_mini_span(s, 1);
        s->rows = 1;
        telem_i_file_mini_frame(w, s);
        memcpy(s->prev, m->rows, size);
        m->last = m->times[0];
        t = m->diff, m->diff = m->next, m->next = t;
        s->key = 0;
        s->first_row++;
        s->rows = rows;
    }
    if (s->run) m->last = last;
    for (i = 0; i < more; i++) memcpy(m->rows + i * size, m->rows + (i + 1u) * size, size);
    for (i = 0; i < left; i++) m->times[i] = m->times[i + 1u];
}

/* Closes the open block of a stream: as many blocks as its rows need. */
static telem_result telem_i_file_close_mini(telem_file_writer *w, telem_i_file_wstream *s) {
    telem_i_file_mini *m = s->mini;
    if (telem_i_file_mini_is_idle(w, s)) telem_i_file_mini_join(w, s);
    while (s->rows && w->error.code == TELEM_OK) {
        uint32_t all = s->rows, n = all < m->goal ? all : m->goal, len;
        telem_result r;
        if (s->run && s->need_key) telem_i_file_mini_key_run(w, s);
        if (s->run && w->error.code == TELEM_OK) telem_i_file_mini_close_run(w, s);
        if (all != s->rows) continue;
        if (s->need_key && !s->key) telem_i_file_mini_rekey(s); /* what it would continue was lost */
        if (s->key) n = 1; /* whole values: with more rows each would be as wide as they are */
        while ((r = telem_i_file_mini_code(s, n)) == TELEM_ERR_LIMIT && n > 1) m->goal = n /= 2u;
        TELEM_ASSERT(r != TELEM_ERR_LIMIT); /* the capacity holds any one row */
        if (r == TELEM_ERR_RANGE) { /* a value with more decimals than its group can say: another group */
            telem_i_file_mini_rekey(s);
            continue;
        }
        len = s->used;
        telem_i_file_mini_span(s, n);
        s->rows = n;
        telem_i_file_mini_frame(w, s);
        telem_i_file_mini_shift(s, n, all - n, w->desc.block_rows);
        if (len < s->capacity / 4u && n == m->goal && n < w->desc.block_rows) m->goal = 2u * n < w->desc.block_rows ? 2u * n : w->desc.block_rows;
    }
    return w->error.code;
}

static int telem_i_file_key_due(const telem_file_writer *w, const telem_i_file_wstream *s, int64_t time);
static int telem_i_file_announce_due(telem_i_file_wstream *s, int64_t time);

/* The tile is full: its rows join a run, or all go out. */
static telem_result telem_i_file_mini_full(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
    if (!telem_i_file_mini_is_idle(w, s) || telem_i_file_key_due(w, s, time) || telem_i_file_announce_due(s, time))
        return telem_i_file_close_mini(w, s);
    telem_i_file_mini_join(w, s);
    return TELEM_OK;
}
#endif

/* Known at compile time where one of the two codings is not built in. */
static int telem_i_file_is_mini(const telem_i_file_wstream *s) {
#if defined(TELEM_FILE_NO_MINI)
    (void)s;
    return 0;
#elif defined(TELEM_FILE_NO_ROWS)
    (void)s;
    return 1;
#else
    return s->mini != NULL;
#endif
}

/* Closes the open block of a stream and writes it. With an error that stuck the block stays open:
   telem_file_writer_clear may yet save it. */
static telem_result telem_i_file_close_block(telem_file_writer *w, telem_i_file_wstream *s) {
    uint8_t *payload;
    size_t len;
    int lz4;
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (s->g) return telem_i_file_close_columns(w, s);
#endif
#if !defined(TELEM_FILE_NO_MINI)
    if (telem_i_file_is_mini(s)) return telem_i_file_close_mini(w, s);
#endif
    if (s->rows == 0 || w->error.code != TELEM_OK) return w->error.code;
    if (s->run) s->used += (uint32_t)telem_varint_put(s->out + s->used, (uint64_t)s->run << 2 | 2u);
    s->run = 0;
    payload = telem_i_file_pack_payload(w, s, &len, &lz4);
    telem_i_file_frame_block(w, s, (uint8_t)(TELEM_BLOCK_ROWS | (lz4 ? TELEM_I_FILE_LZ4 : 0u)), payload, len);
    return w->error.code;
}

#if !defined(TELEM_FILE_NO_JOURNAL)
/* >>journal-out -- section 12 ---------------------------------------------------------------------

   States of a slot: never filled -> being filled (one at a time, the newest generation) -> full -> its
   rows are in blocks (sealed) -> those blocks are synced (durable) -> being filled again.
   The zone's owner is the writer: it alone stores into it. Readers, in any process, load only.

   Invariants
     I1  bytes below `committed` of a generation never change while that generation stands there.
     I2  a row that is in no block lies in the zone, below `committed` of a slot whose generation is
         newer than (newest - slots).
     I3  generations only grow, also from one opening of the file to the next.
   Edges
     J1  store-release of committed (journal_row) -> load-acquire of it (zone_head): the row's bytes
         are there. Through read() instead of a map: the kernel's copy of the row comes after its copy
         of `committed`, by two calls in order.
     J2  store-release of committed = 0, then of opening, then of generation, then new rows (next_slot): a
         reader that still holds the old generation finds rows whose check fails, since checks are
         seeded with it; it need not see any of these stores in order. It may mix an old `committed`
         with the new generation: the rows it then finds fail, too (or are good rows of the new one).
     J3  the block that holds a row is with the io before its slot's generation is stored (next_slot
         calls close_block first): so who finds a row gone from the zone finds its block when it reads
         the blocks again.
   Why a check per row: it is what makes J2 hold without a lock, and what tells after a power cut which
   rows reached the medium; `committed` and the rows are in different sectors. */

#define TELEM_I_FILE_ZONE 4096u       /* where the zone begins: behind its stream header */
#define TELEM_I_FILE_SLOT_HEAD 64u
#define TELEM_I_FILE_JROW 24u         /* bytes of a journal row before its row form */
#define TELEM_I_FILE_JREPEAT 0xFFFFFFFFu
#define TELEM_I_FILE_JMAGIC 0x314A4C54u

typedef struct telem_i_file_wzone {
    uint8_t *map, *base;  /* the file from byte 0 on; the zone in it. base NULL: none now */
    size_t mapped;
    uint8_t *slot;        /* being filled; NULL: none yet */
    uint64_t *ends;       /* per slot and stream: one past the last row in it */
    uint32_t *sealed_at;  /* per slot: what w->sealed was when all its rows were in blocks */
    uint8_t *is_sealed;
    uint32_t cap, slots, slot_bytes, generation, used; /* cap: of slots, in memory */
    uint32_t opening;
    uint32_t ahead_at; /* streams up to here do not hold up the next slot */
    uint8_t ahead, asked; /* the slot is half full; the helper was asked to sync for the next one */
    uint32_t unsynced;    /* where the bytes of the slot begin that no sync has covered */
} telem_i_file_wzone;

static uint32_t telem_i_file_le32(uint32_t v) { /* as it lies in memory */
    uint8_t b[4];
    telem_put32(b, v);
    memcpy(&v, b, 4);
    return v;
}

static void telem_i_file_zone_store(uint8_t *p, uint32_t v) {
    TELEM_STORE32_RELEASE((telem_atomic32 *)(void *)p, telem_i_file_le32(v)); /* J1, J2 */
    TELEM_I_FILE_POINT();
}

static size_t telem_i_file_zone_bytes(const telem_file_writer_desc *f) {
    size_t n = 64u + (size_t)f->journal_slots * f->journal_slot_bytes;
    return (n + 4095u) & ~(size_t)4095u;
}

static size_t telem_i_file_wzone_memory(const telem_file_writer_desc *f) {
    size_t slots = f->append ? 64 : f->journal_slots; /* a file that is there has a zone of its own size */
    if (!f->journal) return 0;
    return telem_i_file_align8(sizeof(telem_i_file_wzone)) + 8u * slots * f->max_streams + telem_i_file_align8(4u * slots) + telem_i_file_align8(slots);
}

/* May the file have a zone at all? */
static int telem_i_file_can_journal(const telem_file_writer_desc *f) {
    return f->journal && f->profile == TELEM_FILE_DISK && f->io->map && f->io->unmap && f->io->seek && f->io->block_size == 0;
}

static void telem_i_file_wzone_make(telem_file_writer *w) {
    telem_i_file_wzone *z = w->zone = (telem_i_file_wzone *)telem_i_file_take(&w->arena, sizeof *z);
    z->slots = w->desc.journal_slots;
    z->slot_bytes = w->desc.journal_slot_bytes;
    z->cap = w->desc.append ? 64 : z->slots;
    z->ends = (uint64_t *)telem_i_file_take(&w->arena, 8u * (size_t)z->cap * w->desc.max_streams);
    z->sealed_at = (uint32_t *)telem_i_file_take(&w->arena, 4u * (size_t)z->cap);
    z->is_sealed = (uint8_t *)telem_i_file_take(&w->arena, z->cap);
}

/* The first `n` bytes of the file, on the medium and zero. */
static telem_result telem_i_file_zone_room(telem_io *io, size_t n) {
    static const uint8_t zeros[512] = {0};
    telem_result r = io->allocate ? io->allocate(io->user, 0, n) : TELEM_ERR_UNSUPPORTED;
    if (r != TELEM_ERR_UNSUPPORTED) return r;
    r = io->seek(io->user, 0);
    for (; r == TELEM_OK && n > 0; n -= n < sizeof zeros ? n : sizeof zeros) r = telem_io_write_all(io, zeros, n < sizeof zeros ? n : sizeof zeros);
    if (r == TELEM_OK && io->sync) r = io->sync(io->user); /* a hole that finds no room later would kill us */
    return r == TELEM_OK ? io->seek(io->user, 0) : r;
}

static void telem_i_file_zone_unmap(telem_file_writer *w) {
    telem_i_file_wzone *z = w->zone;
    if (z && z->map) (void)w->desc.io->unmap(w->desc.io->user, z->map, z->mapped);
    if (z) z->map = z->base = z->slot = NULL;
}

/* The zone at `at` bytes from the start of the file. 0: it cannot be mapped so. */
static int telem_i_file_zone_map(telem_file_writer *w, uint64_t at, uint64_t bytes) {
    telem_i_file_wzone *z = w->zone;
    uint32_t i;
    if (at + bytes > SIZE_MAX / 2u) return 0;
    z->mapped = (size_t)(at + bytes);
    z->map = (uint8_t *)w->desc.io->map(w->desc.io->user, 0, z->mapped, 1);
    if (!z->map) return 0;
    if (((uintptr_t)z->map + (uintptr_t)at) & 7u) {
        telem_i_file_zone_unmap(w);
        return 0;
    }
    z->base = z->map + at;
    z->slot = NULL;
    z->used = z->unsynced = 0;
    for (i = 0; i < w->stream_count; i++) w->streams[i]->journal_generation = 0; /* what they repeat is in another zone */
    memset(z->ends, 0, 8u * (size_t)z->cap * w->desc.max_streams);
    memset(z->is_sealed, 1, z->cap);
    memset(z->sealed_at, 0, 4u * (size_t)z->cap);
    return 1;
}

static void telem_i_file_zone_format(telem_file_writer *w) {
    telem_i_file_wzone *z = w->zone;
    uint8_t *h = z->base;
    size_t i, n = telem_i_file_zone_bytes(&w->desc);
    for (i = 0; i < n; i += 4096u) h[i] = 0; /* pages are had now, not while rows come */
    telem_put32(h, TELEM_I_FILE_JMAGIC);
    telem_put16(h + 4, 1);
    telem_put16(h + 6, (uint16_t)z->slots);
    telem_put64(h + 8, w->desc.session);
    telem_put32(h + 16, z->slot_bytes);
    telem_put32(h + 20, telem_i_xxh32(h, 20, w->framing.seed));
    telem_i_file_zone_store(h + 24, 1);
}

/* The zone of a file that is empty, with the io at its start. TELEM_OK also where none can be had: then
   w->zone->base is NULL and the file is written plainly. */
static telem_result telem_i_file_journal_begin(telem_file_writer *w) {
    telem_io *io = w->desc.io;
    size_t bytes;
    telem_result r;
    if (!w->zone) return TELEM_OK;
    bytes = telem_i_file_zone_bytes(&w->desc);
    w->zone->generation = w->zone->opening = 0;
    r = telem_i_file_zone_room(io, TELEM_I_FILE_ZONE + bytes);
    if (r == TELEM_OK) r = io->seek(io->user, 0);
    if (r == TELEM_OK && !telem_i_file_zone_map(w, TELEM_I_FILE_ZONE, bytes) && io->truncate) r = io->truncate(io->user, 0);
    if (r != TELEM_OK) telem_i_file_writer_fail(w, r, "there is no room for the journal zone");
    else if (w->zone->base) telem_i_file_zone_format(w);
    return r;
}

/* Every row is in a block: the zone is closed. */
static void telem_i_file_journal_end(telem_file_writer *w) {
    telem_i_file_wzone *z = w->zone;
    if (!z || !z->base) return;
    if (w->error.code == TELEM_OK) telem_i_file_zone_store(z->base + 24, 0);
    telem_i_file_zone_unmap(w);
}

TELEM_API int telem_file_journals(const telem_file_writer *w) { return w && w->open && w->zone && w->zone->base; }

/* One past the rows of a stream whose blocks the io has taken. */
static uint64_t telem_i_file_safe_row(const telem_i_file_wstream *s) { return s->sealed_row; }

static int telem_i_file_all_sealed(const telem_file_writer *w, uint32_t slot) {
    const uint64_t *ends = w->zone->ends + (size_t)slot * w->desc.max_streams;
    uint32_t i;
    for (i = 0; i < w->stream_count; i++)
        if (ends[i] > telem_i_file_safe_row(w->streams[i])) return 0;
    return 1;
}

/* A block went to the io. */
static void telem_i_file_journal_sealed(telem_file_writer *w) {
    telem_i_file_wzone *z = w->zone;
    uint32_t i, now = w->sealed + 1u;
    TELEM_STORE32_RELEASE(&w->sealed, now); /* telem_file_sync of another thread loads it before it syncs */
    if (w->desc.sync >= TELEM_FILE_SYNC_BLOCK) w->sync_due = 1;
    if (!z || !z->base) return;
    for (i = 0; i < z->slots; i++) {
        if (z->is_sealed[i] || (z->slot && i == z->generation % z->slots) || !telem_i_file_all_sealed(w, i)) continue;
        z->is_sealed[i] = 1;
        z->sealed_at[i] = now;
    }
}

/* The gate of telem_file_sync, which another thread may call at any time: an io goes (a rotation, a close) only when no
   such call is at work, and none begins meanwhile.
   G1  gate_leave, gate_open: CAS with release order -> gate_shut, gate_enter: CAS with acquire order. */
#define TELEM_I_FILE_SHUT 0x80000000u

static void telem_i_file_gate_wait(const telem_file_writer *w) {
    if (w->gate_wait) w->gate_wait(w->gate_user);
#if TELEM_I_SYSTEM && defined(_WIN32)
    else Sleep(1);
#elif TELEM_I_SYSTEM
    else {
        struct timespec nap = {0, 50000};
        (void)nanosleep(&nap, NULL);
    }
#endif
}

static void telem_i_file_gate_add(telem_file_writer *w, uint32_t n) {
    uint32_t was = TELEM_LOAD32_RELAXED(&w->sync_gate);
    while (!TELEM_CAS32(&w->sync_gate, &was, was + n)) {} /* G1 */
}

static void telem_i_file_gate_enter(telem_file_writer *w) {
    for (;;) {
        uint32_t was = TELEM_LOAD32_RELAXED(&w->sync_gate);
        if (was & TELEM_I_FILE_SHUT) telem_i_file_gate_wait(w);
        else if (TELEM_CAS32(&w->sync_gate, &was, was + 1u)) return; /* G1 */
    }
}
static void telem_i_file_gate_leave(telem_file_writer *w) { telem_i_file_gate_add(w, (uint32_t)-1); }

static void telem_i_file_gate_shut(telem_file_writer *w) {
    telem_i_file_gate_add(w, TELEM_I_FILE_SHUT); /* none begins from here on */
    while (TELEM_LOAD32_ACQUIRE(&w->sync_gate) != TELEM_I_FILE_SHUT) telem_i_file_gate_wait(w);
}
static void telem_i_file_gate_open(telem_file_writer *w) { telem_i_file_gate_add(w, TELEM_I_FILE_SHUT); } /* the bit goes */

/* One sync at a time: an io may tell an error to one of two only, and what the other one covers is gone all the same.
   S1  sync_end: store-release of sync_busy -> sync_begin: CAS with acquire order: sync_failed of the one before.
   0: one before failed, and nobody has cleared it. */
static int telem_i_file_sync_begin(telem_file_writer *w) {
    uint32_t none;
    for (none = 0; !TELEM_CAS32(&w->sync_busy, &none, 1); none = 0) telem_i_file_gate_wait(w); /* S1 */
    return TELEM_LOAD32_RELAXED(&w->sync_failed) == 0;
}
static telem_result telem_i_file_sync_end(telem_file_writer *w, telem_result r) {
    uint32_t failed = TELEM_LOAD32_RELAXED(&w->sync_failed);
    if (failed) r = (telem_result)-(int32_t)failed; /* what it did not write may be gone: a later success says nothing of it */
    else if (r != TELEM_OK) TELEM_STORE32_RELEASE(&w->sync_failed, (uint32_t)-(int32_t)r);
    TELEM_STORE32_RELEASE(&w->sync_busy, 0); /* S1 */
    return r;
}

/* Syncs what the io has and the zone. Safe beside the writer's own thread: it only reads what that stores. */
static telem_result telem_i_file_sync_io(telem_file_writer *w) {
    telem_io *io = w->desc.io;
    telem_result r = TELEM_OK;
    if (telem_i_file_sync_begin(w)) {
        uint32_t sealed = TELEM_LOAD32_ACQUIRE(&w->sealed);
        r = telem_i_file_io_sync(w);
        if (r == TELEM_OK && w->zone && w->zone->base && io->sync_map) r = io->sync_map(io->user, w->zone->map, w->zone->mapped);
        if (r == TELEM_OK) TELEM_STORE32_RELEASE(&w->synced, sealed);
    }
    return telem_i_file_sync_end(w, r);
}

/* In the writer's own thread: a failed sync is an error that sticks. */
static telem_result telem_i_file_sync_now(telem_file_writer *w) {
    telem_result r;
    w->sync_due = 0;
    if (w->error.code != TELEM_OK) return w->error.code;
    r = telem_i_file_sync_io(w);
    if (r != TELEM_OK) telem_i_file_writer_fail(w, r, "the io's sync failed");
    else if (w->zone) w->zone->unsynced = w->zone->used;
    return r;
}

/* Must a sync come before the slot is taken again? */
static int telem_i_file_wants_sync(telem_file_writer *w, uint32_t slot) {
    const telem_i_file_wzone *z = w->zone;
    return (w->desc.sync != TELEM_FILE_SYNC_NONE || TELEM_LOAD32_RELAXED(&w->sync_used)) && z->sealed_at[slot] &&
           (int32_t)(TELEM_LOAD32_ACQUIRE(&w->synced) - z->sealed_at[slot]) < 0;
}

/* The slot at hand is half full: what holds up the next one is closed, a block with each row. */
static void telem_i_file_slot_ahead(telem_file_writer *w) {
    telem_i_file_wzone *z = w->zone;
    uint32_t k = (z->generation + 1u) % z->slots, most = z->ahead_at + 64u;
    const uint64_t *ends = z->ends + (size_t)k * w->desc.max_streams;
    for (; z->ahead_at < w->stream_count && z->ahead_at < most; z->ahead_at++) {
        telem_i_file_wstream *s = w->streams[z->ahead_at];
        if (ends[z->ahead_at] <= telem_i_file_safe_row(s)) continue;
        z->ahead_at++;
#if !defined(TELEM_FILE_NO_COLUMNS)
        if (s->g) telem_i_file_seal_early(w, s);
        else
#endif
        (void)telem_i_file_close_block(w, s);
        return;
    }
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (z->asked || z->ahead_at < w->stream_count || !telem_i_file_helped(w) || !z->is_sealed[k]) return;
    z->asked = 1;
    if (telem_i_file_wants_sync(w, k)) w->sync_due = 1;
#endif
}

/* The next slot becomes the one that is filled. Where its rows are not in blocks yet, these are closed. */
static int telem_i_file_next_slot(telem_file_writer *w) {
    telem_i_file_wzone *z = w->zone;
    uint32_t k = (z->generation + 1u) % z->slots, i;
    const uint64_t *ends = z->ends + (size_t)k * w->desc.max_streams;
    z->ahead = z->asked = 0;
    if (z->slot) z->is_sealed[z->generation % z->slots] = 0;
    for (i = 0; i < w->stream_count && w->error.code == TELEM_OK; i++)
        if (ends[i] > telem_i_file_safe_row(w->streams[i])) (void)telem_i_file_close_block(w, w->streams[i]);
    if (w->error.code == TELEM_OK && !z->is_sealed[k]) {
        z->is_sealed[k] = 1;
        z->sealed_at[k] = w->sealed;
    }
    if (w->error.code == TELEM_OK && telem_i_file_wants_sync(w, k)) (void)telem_i_file_sync_now(w);
    if (w->desc.sync == TELEM_FILE_SYNC_ROW && w->error.code == TELEM_OK && z->unsynced < z->used) (void)telem_i_file_sync_now(w);
    if (w->error.code != TELEM_OK || !telem_i_file_all_sealed(w, k)) return 0;
    if (z->generation == UINT32_MAX) {
        telem_i_file_writer_fail(w, TELEM_ERR_LIMIT, "the journal's numbers are used up"); /* 2^32 slots */
        return 0;
    }
    z->generation++;
    z->slot = z->base + 64u + (size_t)k * z->slot_bytes;
    z->used = z->unsynced = 0;
    z->is_sealed[k] = 0;
    memset(z->ends + (size_t)k * w->desc.max_streams, 0, 8u * (size_t)w->desc.max_streams);
    telem_i_file_zone_store(z->slot, 0); /* J2 */
    telem_i_file_zone_store(z->slot + 8, z->opening);
    telem_i_file_zone_store(z->slot + 4, z->generation);
    return 1;
}

/* Bytes of a row in a slot. */
static uint32_t telem_i_file_jrow_bytes(uint32_t n) { return (TELEM_I_FILE_JROW + ((n + 3u) & ~3u) + 4u + 7u) & ~7u; }

/* Can the zone's copy of s->row be a repeat? */
static int telem_i_file_journal_repeats(const telem_i_file_wzone *z, const telem_i_file_wstream *s) {
    return z->slot && s->journal_generation == z->generation && telem_i_file_jrow_bytes(s->row_size) > telem_i_file_jrow_bytes(4) &&
           memcmp(z->slot + s->journal_at + TELEM_I_FILE_JROW, s->row, s->row_size) == 0;
}

/* Room for s->row in the slot at hand, or in the next one. 0: an error, in w->error. */
static int telem_i_file_journal_room(telem_file_writer *w, const telem_i_file_wstream *s) {
    telem_i_file_wzone *z = w->zone;
    uint32_t need;
    if (z->ahead) telem_i_file_slot_ahead(w);
    if (w->error.code != TELEM_OK) return 0;
    need = telem_i_file_jrow_bytes(telem_i_file_journal_repeats(z, s) ? 4u : s->row_size);
    return (z->slot && need <= z->slot_bytes - TELEM_I_FILE_SLOT_HEAD - z->used) || telem_i_file_next_slot(w);
}

/* s->row, which becomes row number s->next_row, goes into the zone, where room was made for it; then it is committed.
   Nothing may refuse the row any more: it is read from now on. */
static void telem_i_file_journal_row(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
    telem_i_file_wzone *z = w->zone;
    uint8_t *p;
    uint32_t n = s->row_size, end;
    int same = telem_i_file_journal_repeats(z, s);
    uint32_t need = telem_i_file_jrow_bytes(same ? 4u : n);
    p = z->slot + TELEM_I_FILE_SLOT_HEAD + z->used;
    telem_put64(p, s->next_row);
    telem_put64(p + 8, (uint64_t)time);
    telem_put32(p + 16, s->id);
    telem_put32(p + 20, same ? TELEM_I_FILE_JREPEAT : n);
    if (same) {
        telem_put32(p + TELEM_I_FILE_JROW, TELEM_I_FILE_SLOT_HEAD + z->used - s->journal_at);
        end = TELEM_I_FILE_JROW + 4u;
    } else {
        memcpy(p + TELEM_I_FILE_JROW, s->row, n);
        end = TELEM_I_FILE_JROW + ((n + 3u) & ~3u);
        memset(p + TELEM_I_FILE_JROW + n, 0, end - TELEM_I_FILE_JROW - n);
        s->journal_generation = z->generation;
        s->journal_at = TELEM_I_FILE_SLOT_HEAD + z->used;
    }
    telem_put32(p + end, telem_i_xxh32(p, end, w->framing.seed ^ z->generation ^ z->opening));
    memset(p + end + 4u, 0, need - end - 4u);
    TELEM_I_FILE_POINT();
    z->used += need;
    z->ends[(size_t)(z->generation % z->slots) * w->desc.max_streams + s->place] = s->next_row + 1u;
    telem_i_file_zone_store(z->slot, z->used); /* J1: the commit */
    if (!z->ahead && z->used > z->slot_bytes / 2u) z->ahead = 1, z->ahead_at = 0;
}

/* A sync that failed in another thread. */
static void telem_i_file_see_failed_sync(telem_file_writer *w) {
    uint32_t failed = TELEM_LOAD32_ACQUIRE(&w->sync_failed);
    if (failed) telem_i_file_writer_fail(w, (telem_result)-(int32_t)failed, "the io's sync failed");
}

/* What the sync policy asks for behind a row. */
static telem_result telem_i_file_row_synced(telem_file_writer *w) {
    telem_i_file_wzone *z = w->zone;
    telem_result r = TELEM_OK;
    if (w->desc.sync < TELEM_FILE_SYNC_BLOCK || w->error.code != TELEM_OK) return w->error.code;
    if (w->desc.sync == TELEM_FILE_SYNC_ROW) {
        if (!z || !z->base) return telem_file_writer_sync(w);
        if (w->sync_due || !w->desc.io->sync_map) return telem_i_file_sync_now(w); /* blocks, too: slots become free */
        if (telem_i_file_sync_begin(w)) {
            r = w->desc.io->sync_map(w->desc.io->user, z->slot, TELEM_I_FILE_SLOT_HEAD);
            if (r == TELEM_OK) r = w->desc.io->sync_map(w->desc.io->user, z->slot + TELEM_I_FILE_SLOT_HEAD + z->unsynced, z->used - z->unsynced);
        }
        r = telem_i_file_sync_end(w, r);
        if (r != TELEM_OK) telem_i_file_writer_fail(w, r, "the io's sync failed");
        else z->unsynced = z->used;
        return r;
    }
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (telem_i_file_helped(w)) return TELEM_OK; /* telem_file_work does it */
#endif
    return w->sync_due ? telem_i_file_sync_now(w) : TELEM_OK;
}
#endif

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
    telem_i_file_body_put_text(b, a->name, telem_i_length(a->name));
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
    uint64_t from = 0, total = s->encoding;
    uint8_t part[8], *room = s->room ? s->room : s->out; /* it holds no block now */
    size_t size = s->room ? s->room_size : s->capacity;
    telem_i_file_body_put_varint(b, s->clock_id);
    telem_i_file_body_put_varint(b, s->start_row);
    telem_i_file_body_put_text(b, s->name, telem_i_length(s->name));
    telem_i_file_body_put_varint(b, 0); /* encoding: telem */
    telem_put64(part, s->fingerprint);
    telem_i_file_body_put(b, part, 8);
    telem_i_file_body_put_varint(b, total);
    if (b->counting) {
        b->len += total;
        return;
    }
    while (from < total) {
        int64_t n = telem_schema_encode(s->schema, from, room, size);
        if (n <= 0) return;
        telem_i_file_body_put(b, room, (size_t)n);
        from += (uint64_t)n;
    }
}

static telem_result telem_i_file_emit_schema(telem_file_writer *w, telem_i_file_wstream *s) {
    uint8_t fields[TELEM_VARINT_MAX];
    uint64_t pos;
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (w->columns) telem_i_file_settle(w, 1); /* s->room is in use while a block is coded */
#endif
    pos = telem_i_file_tell(w);
    if (w->desc.profile == TELEM_FILE_WIRE || s->repeats == 0) s->schema_pos = pos; /* a reader looks for the first one */
    return telem_i_file_emit(w, TELEM_BLOCK_SCHEMA, fields, telem_varint_put(fields, s->id), telem_i_file_schema_body, s);
}

#if !defined(TELEM_FILE_NO_JOURNAL)
/* The header before a journal zone: a page of its own, through the map; its magic comes last, so that it is there as a
   whole or not at all. Blocks go on behind the zone. */
static void telem_i_file_emit_long_header(telem_file_writer *w, const uint8_t *h) {
    uint8_t *to = w->zone->map;
    telem_i_file_hash hash;
    telem_result r;
    memset(to, 0, TELEM_I_FILE_ZONE);
    memcpy(to + 8, h + 8, TELEM_I_FILE_HEADER - 8u);
    telem_i_file_hash_begin(&hash, 1, 0);
    telem_i_file_hash_add(&hash, h, 8);
    telem_i_file_hash_add(&hash, to + 8, TELEM_I_FILE_ZONE - 12u);
    telem_put32(to + TELEM_I_FILE_ZONE - 4u, telem_i_file_hash_end(&hash));
    TELEM_I_FILE_POINT();
    telem_i_file_zone_store(to + 4, telem_get32(h + 4));
    telem_i_file_zone_store(to, telem_get32(h));
    w->pos = TELEM_I_FILE_ZONE + telem_get64(h + 88);
    r = w->desc.io->seek(w->desc.io->user, w->pos);
    if (r != TELEM_OK) telem_i_file_writer_fail(w, r, "the io cannot seek behind the journal zone");
    else w->headed = 1;
}
#endif

static void telem_i_file_emit_header(telem_file_writer *w) {
    const telem_file_writer_desc *d = &w->desc;
    uint8_t h[TELEM_I_FILE_HEADER];
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (w->columns) telem_i_file_settle(w, 0);
#endif
    memset(h, 0, sizeof h);
    memcpy(h, telem_i_file_magic, 8);
    h[8] = TELEM_FILE_FORMAT;
    h[9] = TELEM_FILE_FORMAT_MINOR;
    telem_put16(h + 10, TELEM_I_FILE_HEADER);
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (!w->headed && w->zone && w->zone->base) {
        telem_put16(h + 10, TELEM_I_FILE_ZONE);
        telem_put32(h + 24, TELEM_I_FILE_INCOMPAT_JOURNAL);
        telem_put64(h + 88, telem_i_file_zone_bytes(d));
    }
#endif
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
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (telem_get64(h + 88)) {
        w->announcement += sizeof h;
        telem_i_file_emit_long_header(w, h);
        return;
    }
    if (w->past) { /* as the file's own header, but for what only that says */
        memcpy(h, w->past, TELEM_I_FILE_HEADER); /* stands first in it */
        telem_put16(h + 10, TELEM_I_FILE_HEADER);
        telem_put32(h + 24, 0);
        telem_put64(h + 88, 0);
    }
#endif
    telem_put32(h + TELEM_I_FILE_HEADER - 4, telem_i_xxh32(h, TELEM_I_FILE_HEADER - 4, 0));
    w->announcement += w->headed ? 0 : sizeof h;
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
    uint32_t count;
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
        telem_i_file_body_put_varint(b, s->sealed_row);
        telem_i_file_body_put_varint(b, s->covered[k].rows);
        telem_i_file_body_put_svarint(b, s->covered[k].min);
        telem_i_file_body_put_varint(b, telem_i_file_since(s->covered[k].min, s->covered[k].max));
    }
}

/* Writes an index block of level k (0-based). 0: the io failed; then what it covers waits for telem_file_writer_clear. */
static int telem_i_file_index_level(telem_file_writer *w, uint32_t k) {
    telem_i_file_windex *x = w->index;
    telem_i_file_index_arg a;
    uint8_t fields[TELEM_VARINT_MAX];
    uint64_t pos = telem_i_file_tell(w);
    uint32_t i;
    a.w = w;
    a.level = k;
    if (telem_i_file_emit_block(w, TELEM_BLOCK_INDEX, fields, telem_varint_put(fields, k + 1u), telem_i_file_index_body, &a) != TELEM_OK) return 0;
    x->last[k] = pos;
    x->below_count[k] = 0;
    if (k == 0) x->count = 0;
    if (k + 1 < TELEM_I_FILE_LEVELS) {
        if (x->below_count[k + 1] >= TELEM_I_FILE_FAN) x->below_count[k + 1] = 0; /* its index was cut off: a cache, its children are found one by one */
        x->below[k + 1][x->below_count[k + 1]++] = pos;
    }
    for (i = 0; i < w->stream_count; i++) w->streams[i]->covered[k].rows = 0;
    return 1;
}

/* And of the next levels as long as they are full. */
static void telem_i_file_index_emit(telem_file_writer *w) {
    uint32_t i, k;
    for (k = 0; k < TELEM_I_FILE_LEVELS && (k == 0 || w->index->below_count[k] >= TELEM_I_FILE_FAN); k++)
        if (!telem_i_file_index_level(w, k)) break;
    for (i = 0; i < w->stream_count; i++) w->streams[i]->need_key = 1;
}

static void telem_i_file_index_add(telem_file_writer *w, uint8_t kind, uint64_t pos, telem_i_file_wstream *s) {
    telem_i_file_entry *e;
    if (!telem_i_file_index_of(w) || w->index->count >= w->desc.index_blocks) return; /* full: an error keeps it from the io */
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
    if (telem_i_file_index_of(w) && w->index->count == w->desc.index_blocks) telem_i_file_index_emit(w);
}

/* Those that an error kept from the io: before anything else comes, there is no room for more. */
static void telem_i_file_index_again(telem_file_writer *w) {
    uint32_t k;
    if (!telem_i_file_index_of(w)) return;
    for (k = 0; k < TELEM_I_FILE_LEVELS; k++)
        if (k ? w->index->below_count[k] >= TELEM_I_FILE_FAN : w->index->count == w->desc.index_blocks) (void)telem_i_file_index_level(w, k);
}

/* >>writer ------------------------------------------------------------------------------------- */

static uint32_t telem_i_file_or(uint32_t v, uint32_t other) { return v ? v : other; }

/* The desc with its defaults. */
static telem_file_writer_desc telem_i_file_writer_defaults(const telem_file_writer_desc *d) {
    telem_file_writer_desc f = *d;
    int wire = d->profile == TELEM_FILE_WIRE;
    f.max_streams = telem_i_file_or(d->max_streams, wire ? 8 : 256);
    f.max_row = telem_i_file_or(d->max_row, wire ? 1024 : 1u << 17);
    f.max_block = telem_i_file_or(d->max_block, wire ? 4096 : 1u << 20);
    f.block_bytes = telem_i_file_or(d->block_bytes, wire ? 512 : 65536);
    if (d->block_bytes == 0 && f.max_block / 2 < f.block_bytes) f.block_bytes = f.max_block / 2;
    if (d->coding == 0) f.coding = wire ? TELEM_FILE_ROWS : TELEM_FILE_COLUMNS;
#if defined(TELEM_FILE_NO_COLUMNS)
    if (d->coding == 0) f.coding = TELEM_FILE_ROWS;
#endif
#if defined(TELEM_FILE_NO_ROWS)
    if (d->coding == 0 && f.coding == TELEM_FILE_ROWS) f.coding = TELEM_FILE_MINI;
#endif
    f.gather_bytes = telem_i_file_or(d->gather_bytes, f.block_bytes > 1u << 22 ? 1u << 25 : 8u * f.block_bytes);
    f.block_rows = telem_i_file_or(d->block_rows, f.coding == TELEM_FILE_ROWS ? 65536 : f.coding == TELEM_FILE_MINI ? TELEM_I_FILE_MINI_DEFAULT : TELEM_I_FILE_COLUMN_DEFAULT);
    f.key_bytes = telem_i_file_or(d->key_bytes, wire ? 8192 : f.coding == TELEM_FILE_COLUMNS ? 0 : 65536);
    f.key_rows = telem_i_file_or(d->key_rows, wire ? 1 : 256);
    if (d->key_ns == 0 && wire) f.key_ns = 5000000000u;
    if (d->max_age_ns == 0) f.max_age_ns = wire ? 100000000u : 1000000000u;
    if (d->announce_ns == 0) f.announce_ns = 5000000000u;
    f.index_blocks = telem_i_file_or(d->index_blocks, 256);
    if (f.index_blocks > f.max_block / TELEM_I_FILE_INDEXED) f.index_blocks = f.max_block / TELEM_I_FILE_INDEXED;
    if (wire || (uint64_t)f.max_streams * 55u + 1024u > f.max_block) f.no_index = 1;
#if defined(TELEM_FILE_NO_INDEX)
    f.no_index = 1;
#endif
    f.journal_slots = telem_i_file_or(d->journal_slots, 8);
    f.journal_slot_bytes = telem_i_file_or(d->journal_slot_bytes, 1u << 19);
    if (d->sync_ns == 0) f.sync_ns = 1000000000u;
#if defined(TELEM_FILE_NO_JOURNAL)
    f.journal = 0;
#else
    if (!d->io || !telem_i_file_can_journal(&f)) f.journal = 0;
#endif
#if defined(TELEM_NO_LZ4)
    f.lz4 = 0;
#endif
    return f;
}

/* One record of what a writer takes from its memory, for the size and for the taking. */
typedef struct telem_i_file_writer_sizes {
    size_t streams, losses, stage, lz4, index, entries, columns, zone, all;
} telem_i_file_writer_sizes;

typedef struct telem_i_file_wloss {
    uint32_t hop, stream;
    uint64_t total;
} telem_i_file_wloss;

/* Pairs of hop and stream whose losses are summed up. */
static uint32_t telem_i_file_loss_cells(const telem_file_writer_desc *f) { return 3u * f->max_streams + 8u; }

#if !defined(TELEM_FILE_NO_JOURNAL)
/* >>append -- a writer goes on with a file that is there ------------------------------------------

   The file is read by its headers, what is cut at its end is cut off, rows that only the journal zone has
   become blocks; then it is read by its headers again, and the writer takes its state from what was there. */

/* A stream of the file. */
typedef struct telem_i_file_known {
    uint64_t fingerprint, name, start_row, next_row, schema_pos; /* name: its hash */
    uint64_t zone_least, zone_end, zone_solid; /* its rows in the zone: the first, behind the last; from solid on no one lacks */
    uint64_t at_row, told;                 /* one past the rows that the blocks checked so far give; that their headers tell of */
    uint64_t good_end;                     /* where the last block ends that gives rows */
    uint32_t id, clock_id;
    uint8_t taken, chain, type;            /* chain: a block of this type continues that block */
    uint8_t orphan;                        /* no schema of it was read */
    struct {
        uint64_t rows;
        int64_t min, max;
    } covered[TELEM_I_FILE_LEVELS];
} telem_i_file_known;

typedef struct telem_i_file_known_clock {
    uint64_t hash;
    uint32_t id;
} telem_i_file_known_clock;

/* What a file says: kept behind the reader that learns it. */
typedef struct telem_i_file_past {
    uint8_t header[TELEM_I_FILE_HEADER];
    telem_i_file_known *known;
    telem_i_file_wloss *losses;
    telem_i_file_entry *entries;
    telem_i_file_windex index;
    telem_i_file_known_clock clocks[TELEM_FILE_CLOCKS];
    uint32_t latest; /* of `known`, that was looked for */
    uint32_t known_count, known_cap, loss_count, loss_cap, clock_count, entry_cap;
    uint64_t seq, end, announcement; /* end: behind the last whole block */
    uint64_t bad, cut, check_from, check_end, check_seq; /* telem_i_file_where_to_cut */
    uint32_t scans; /* of the zone that are left */
    uint8_t keeps;
    uint64_t lacks;      /* pad bytes that the last block lacks */
    uint64_t limit;      /* blocks from here on are not looked at */
    uint64_t zone_at, zone_bytes;
    uint64_t size;
} telem_i_file_past;

static size_t telem_i_file_past_bytes(const telem_file_writer_desc *f) {
    return telem_i_file_align8(sizeof(telem_i_file_past)) + f->max_streams * telem_i_file_align8(sizeof(telem_i_file_known)) +
           telem_i_file_align8(telem_i_file_loss_cells(f) * sizeof(telem_i_file_wloss)) + telem_i_file_align8(f->index_blocks * sizeof(telem_i_file_entry));
}

/* Memory that append needs before the writer's own is taken: a reader of headers, and a writer of rows. */
static size_t telem_i_file_append_bytes(const telem_file_writer_desc *f) {
    return telem_i_file_past_bytes(f) + 2u * telem_i_file_align8(f->max_block) + 8u * telem_i_file_align8(f->max_row) + (1u << 16) + f->max_streams * 1024u;
}

#endif

static telem_i_file_writer_sizes telem_i_file_writer_layout(const telem_file_writer_desc *f) {
    telem_i_file_writer_sizes z;
    z.streams = telem_i_file_align8(f->max_streams * sizeof(telem_i_file_wstream *));
    z.losses = telem_i_file_align8(telem_i_file_loss_cells(f) * sizeof(telem_i_file_wloss));
    z.stage = f->io ? telem_i_file_align8(f->io->block_size) : 0;
    z.index = f->no_index ? 0 : telem_i_file_align8(sizeof(telem_i_file_windex));
    z.entries = f->no_index ? 0 : telem_i_file_align8(f->index_blocks * sizeof(telem_i_file_entry));
    z.lz4 = z.columns = 0;
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (f->coding == TELEM_FILE_COLUMNS) z.columns = telem_i_file_shared_bytes(f);
#endif
#if !defined(TELEM_NO_LZ4)
    if (f->lz4) z.lz4 = telem_i_file_align8((size_t)LZ4_sizeofState()) + TELEM_I_FILE_ROOM + telem_i_file_align8(f->block_bytes) + TELEM_I_FILE_SLACK;
#endif
    z.zone = 0;
#if !defined(TELEM_FILE_NO_JOURNAL)
    z.zone = telem_i_file_wzone_memory(f);
#endif
    z.all = z.streams + z.losses + z.stage + z.index + z.entries + z.lz4 + z.columns + z.zone;
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (f->append) {
        z.all += telem_i_file_past_bytes(f);
        if (z.all < telem_i_file_append_bytes(f)) z.all = telem_i_file_append_bytes(f);
    }
#endif
    return z;
}

TELEM_API size_t telem_file_writer_bytes(const telem_file_writer_desc *d) {
    telem_file_writer_desc f = telem_i_file_writer_defaults(d);
    telem_i_file_writer_sizes z = telem_i_file_writer_layout(&f);
    return z.all;
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
    return n + (columns + 7u) / 8u * 9u + 8u; /* a mask and eight tags or heads */
}

static uint64_t telem_i_file_block_capacity(const telem_file_writer_desc *f, const telem_file_stream_desc *s) {
    uint64_t bytes = s->block_bytes ? s->block_bytes : f->block_bytes, worst = telem_i_file_worst_row(s->schema);
    if (f->coding == TELEM_FILE_COLUMNS) return 1024; /* only schemas pass through it */
    return bytes < worst ? worst : bytes;
}

/* x: what all streams of a writer share; NULL: as of the first one. */
static size_t telem_i_file_stream_bytes(const telem_file_writer_desc *d, const telem_file_stream_desc *s, const struct telem_i_file_cshared *x) {
    telem_file_writer_desc f = telem_i_file_writer_defaults(d);
    size_t rows = 2u * telem_i_file_align8(telem_schema_row_size(s->schema));
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (f.coding == TELEM_FILE_COLUMNS) rows += (size_t)telem_i_file_gather_bytes(&f, s, x);
#else
    (void)x;
#endif
#if !defined(TELEM_FILE_NO_MINI)
    if (f.coding == TELEM_FILE_MINI) rows = telem_i_file_mini_bytes(&f, s->schema);
#endif
    return rows + telem_i_file_align8(sizeof(telem_i_file_wstream)) + TELEM_I_FILE_ROOM +
           telem_i_file_align8((size_t)telem_i_file_block_capacity(&f, s) + TELEM_I_FILE_SLACK);
}

TELEM_API size_t telem_file_stream_bytes(const telem_file_writer_desc *d, const telem_file_stream_desc *s) {
    return telem_i_file_stream_bytes(d, s, NULL);
}

static int64_t telem_i_file_utc_now(void) {
#if TELEM_I_SYSTEM
    telem_clock utc = telem_clock_utc();
    return (int64_t)utc.read(utc.user);
#else
    return 0;
#endif
}

static uint64_t telem_i_file_new_session(const void *salt) {
#if TELEM_I_SYSTEM
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

/* Rows of a block at most; columns: those that differ. */
static uint32_t telem_i_file_most_rows(uint8_t coding) {
    return coding == TELEM_FILE_ROWS ? TELEM_I_FILE_MAX_BLOCK_ROWS : coding == TELEM_FILE_MINI ? TELEM_I_FILE_MINI_ROWS : TELEM_I_FILE_COLUMN_ROWS;
}

/* What an open that was refused leaves: a writer whose later calls answer the same (its desc has no io). */
static telem_result telem_i_file_refuse_open(telem_file_writer *w, telem_result code, const char *what) {
    memset(w, 0, sizeof *w);
    (void)what; /* TELEM_NO_TEXT */
    telem_i_file_writer_fail(w, code, what);
    return code;
}

#if defined(TELEM_NO_TEXT)
#define telem_i_file_refuse_open(w, code, what) telem_i_file_refuse_open(w, code, TELEM_I_WORDS(what))
#endif

/* What calls on a writer that is not open answer. */
static telem_result telem_i_file_not_open(const telem_file_writer *w) {
    return w && !w->desc.io && w->error.code != TELEM_OK ? w->error.code : TELEM_ERR_STATE;
}

#if !defined(TELEM_FILE_NO_JOURNAL)
static telem_result telem_i_file_mend_file(const telem_file_writer_desc *f, telem_file_reader *r, telem_i_file_past **past, telem_error *error);
static int telem_i_file_repeat_due(const telem_file_writer *w, uint64_t pos, uint8_t n);

static telem_i_file_known *telem_i_file_known_find(telem_i_file_past *p, uint32_t id) {
    uint32_t i, n = p->known_count;
    for (i = p->latest; i < n && i < p->latest + 2u; i++) /* the one before, or the next */
        if (p->known[i].id == id) return &p->known[p->latest = i];
    for (i = 0; i < n; i++)
        if (p->known[i].id == id) return &p->known[p->latest = i];
    return NULL;
}

static uint64_t telem_i_file_clock_hash(const telem_clock *c, const char *name) {
    uint64_t v[5];
    v[0] = telem_i_hz_num(c);
    v[1] = telem_i_hz_den(c);
    v[2] = c->bits == 0 || c->bits > 64 ? 64 : c->bits;
    v[3] = c->domain;
    v[4] = telem_i_file_hash_pair(name, telem_i_length(name));
    return telem_i_file_hash_pair(v, sizeof v);
}

/* A number that no writer of the file had before: where there is no clock, one that follows from what it is now. */
static uint32_t telem_i_file_new_opening(const telem_file_writer *w) {
    uint64_t v[4];
    v[0] = telem_i_file_new_session(w);
    v[1] = w->seq;
    v[2] = w->pos;
    v[3] = telem_i_xxh32(w->zone->map, w->zone->mapped, w->zone->opening);
    return (uint32_t)telem_i_file_hash_pair(v, sizeof v) | 1u;
}

/* The state that the file's last writer left. */
static telem_result telem_i_file_adopt(telem_file_writer *w, telem_i_file_past *p) {
    telem_file_writer_desc *d = &w->desc;
    telem_io *io = d->io;
    telem_i_file_wzone *z = w->zone;
    uint32_t i, g, newest = 0;
    w->past = p;
    d->session = telem_get64(p->header + 16);
    w->framing.payload_hash = p->header[15];
    telem_i_file_framing_init(&w->framing, d->session, TELEM_FILE_DISK, (uint32_t)1 << p->header[13], p->header[15]);
    w->seq = p->seq;
    w->pos = p->end;
    w->headed = w->open = 1;
    w->announcement = p->announcement;
    w->loss_count = p->loss_count;
    memcpy(w->losses, p->losses, p->loss_count * sizeof *p->losses);
    if (w->index) {
        telem_i_file_entry *entries = w->index->entries;
        memcpy(w->index, &p->index, sizeof p->index);
        w->index->entries = entries;
        memcpy(entries, p->entries, p->index.count * sizeof *entries);
        if (w->index->count == d->index_blocks) w->index->count--; /* one more comes before it is looked at */
    }
    if (z && p->zone_bytes && telem_i_file_zone_map(w, p->zone_at, p->zone_bytes)) {
        z->slots = telem_get16(z->base + 6); /* as they are: the reader has checked them, or there is no zone */
        z->slot_bytes = telem_get32(z->base + 16);
        if (telem_get32(z->base) != TELEM_I_FILE_JMAGIC || telem_get16(z->base + 4) != 1 || telem_get32(z->base + 20) != telem_i_xxh32(z->base, 20, w->framing.seed) ||
            z->slots < 2 || z->slots > 64 || z->slot_bytes < 128 || z->slot_bytes > 1u << 28 || z->slot_bytes % 64 || 64u + (uint64_t)z->slots * z->slot_bytes > p->zone_bytes) {
            telem_i_file_zone_unmap(w);
        } else {
            d->journal_slots = z->slots;
            d->journal_slot_bytes = z->slot_bytes;
            for (i = 0; i < z->slots; i++) {
                uint8_t *slot = z->base + 64u + (size_t)i * z->slot_bytes;
                g = telem_get32(slot + 4);
                if (g < 0xF0000000u && g > newest) newest = g;
                telem_i_file_zone_store(slot, 0); /* its rows are in blocks now */
            }
            z->generation = newest;
            z->opening = telem_i_file_new_opening(w);
            telem_i_file_zone_store(z->base + 24, 1);
        }
    }
    if (p->zone_bytes && !(z && z->base)) { /* nobody writes to the zone: it is closed */
        static const uint8_t closed[4] = {0};
        telem_result r = io->seek(io->user, p->zone_at + 24);
        if (r == TELEM_OK) r = telem_io_write_all(io, closed, 4);
        if (r != TELEM_OK) return r;
    }
    while (telem_i_file_repeat_due(w, 0, w->repeats)) w->repeats++;
    return io->seek(io->user, w->pos);
}

/* A stream that the file has already. TELEM_OK, or MISMATCH, EXISTS; *k NULL: a new one. */
static telem_result telem_i_file_known_stream(const telem_file_writer *w, const telem_file_stream_desc *d, telem_i_file_known **k) {
    const char *text = d->name ? d->name : d->schema->name;
    uint64_t name = telem_i_file_hash_pair(text, telem_i_length(text));
    uint32_t i;
    *k = NULL;
    if (!w->past) return TELEM_OK;
    *k = telem_i_file_known_find(w->past, d->id);
    if (*k && !(*k)->orphan) return (*k)->name == name && (*k)->clock_id == d->clock && (*k)->fingerprint == telem_schema_fingerprint(d->schema) ? TELEM_OK : TELEM_ERR_MISMATCH;
    for (i = 0; i < w->past->known_count; i++)
        if (!w->past->known[i].orphan && w->past->known[i].name == name) return TELEM_ERR_EXISTS;
    return TELEM_OK;
}

static void telem_i_file_take_known(telem_file_writer *w, telem_i_file_wstream *s, telem_i_file_known *k) {
    uint32_t i;
    k->taken = 1;
    s->start_row = k->start_row;
    s->next_row = s->sealed_row = k->next_row;
    s->schema_pos = k->schema_pos;
    for (i = 0; i < TELEM_I_FILE_LEVELS; i++) {
        s->covered[i].rows = k->covered[i].rows;
        s->covered[i].min = k->covered[i].min;
        s->covered[i].max = k->covered[i].max;
    }
    while (telem_i_file_repeat_due(w, s->schema_pos, s->repeats)) s->repeats++;
}
static void telem_i_file_unlock(telem_file_writer *w) {
    if (w->locked) (void)w->desc.io->lock(w->desc.io->user, 0);
    w->locked = 0;
}

/* Nothing of value is in the file: its writer was killed before the stream header was there. */
static int telem_i_file_is_blank(telem_io *io, uint64_t size) {
    uint8_t b[512];
    uint64_t at = 0, i;
    int half = 0;
    if (io->seek(io->user, 0) != TELEM_OK) return 0;
    for (; at < size; at += i) {
        int64_t n = telem_io_read_all(io, b, sizeof b);
        if (n <= 0) return 0;
        if (size < TELEM_I_FILE_HEADER && memcmp(b, telem_i_file_magic, size < 8u ? (size_t)size : 8u) == 0) return 1; /* cut inside it */
        if (at == TELEM_I_FILE_ZONE && n >= 64 && telem_get32(b) == TELEM_I_FILE_JMAGIC) /* the zone is made before the header */
            return size <= TELEM_I_FILE_ZONE + ((64u + (uint64_t)telem_get16(b + 6) * telem_get32(b + 16) + 4095u) & ~(uint64_t)4095u);
        if (at == 0) half = telem_get32(b) == 0;
        for (i = 0; i < (uint64_t)n; i++)
            if (b[i] && (at + i < 4u || at + i >= TELEM_I_FILE_ZONE || !half)) return 0; /* else a header without its magic */
    }
    return 1;
}

/* The file is locked; one that goes on is mended and learnt. Before the writer's memory is used. */
static telem_result telem_i_file_take_over(telem_file_writer_desc *f, telem_i_file_past **past, uint8_t *locked, telem_error *error) {
    telem_io *io = f->io;
    telem_file_reader r;
    int64_t size;
    telem_result e = io->lock && f->profile == TELEM_FILE_DISK ? io->lock(io->user, 1) : TELEM_ERR_UNSUPPORTED;
    *locked = e == TELEM_OK;
    *past = NULL;
    error->what = "another writer has the file open";
    if (e == TELEM_ERR_BUSY) return e;
    if (!f->append && !f->journal) return TELEM_OK;
    error->what = "desc.append needs an io that reads, seeks and tells its size";
    if (f->append && (!io->read || !io->seek || !io->size || f->profile != TELEM_FILE_DISK || io->block_size)) return TELEM_ERR_ARG;
    size = io->size ? io->size(io->user) : 0;
    error->what = "the io does not tell its size";
    if (size < 0) return (telem_result)size;
    error->what = "desc.journal wants an empty file, or desc.append";
    if (size > 0 && !f->append) return TELEM_ERR_STATE;
    if (size == 0) return TELEM_OK;
    if (telem_i_file_is_blank(io, (uint64_t)size)) {
        if (io->truncate && (e = io->truncate(io->user, 0)) != TELEM_OK) return e;
        return io->seek(io->user, 0);
    }
    memset(&r, 0, sizeof r);
    e = telem_i_file_mend_file(f, &r, past, error);
    if (e != TELEM_OK) return e;
    error->what = "desc's max_block, max_row or max_streams is above the file's";
    if (f->max_block > telem_get32((*past)->header + 36) || f->max_row > telem_get32((*past)->header + 40) || f->max_streams > telem_get32((*past)->header + 44)) return TELEM_ERR_LIMIT;
    error->what = "the file's header has flags that forbid to append";
    if (telem_get32((*past)->header + 32)) return TELEM_ERR_UNSUPPORTED;
    return TELEM_OK;
}

static telem_result telem_i_file_begin_file(telem_file_writer *w, telem_i_file_past *past) {
    telem_result r;
    w->open = 1;
    if (past) {
        r = telem_i_file_adopt(w, past);
        if (r != TELEM_OK) telem_i_file_writer_fail(w, r, "the file to append to cannot be taken over");
    } else if (telem_i_file_journal_begin(w) == TELEM_OK) {
        telem_i_file_emit_header(w);
    }
    if (w->zone && w->zone->base && w->desc.sync != TELEM_FILE_SYNC_NONE) (void)telem_i_file_sync_now(w);
    return w->error.code;
}
#endif

TELEM_API telem_result telem_file_writer_open(telem_file_writer *w, const telem_file_writer_desc *d) {
    telem_file_writer_desc f;
    telem_i_file_writer_sizes z;
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_i_file_past *past;
    telem_error error;
    uint8_t locked;
    telem_result r;
#endif
    if (!w) return TELEM_ERR_ARG;
    if (!d || !d->io || !d->io->write) return telem_i_file_refuse_open(w, TELEM_ERR_ARG, "desc.io cannot write");
    if (!d->memory || ((uintptr_t)d->memory & 7u)) return telem_i_file_refuse_open(w, TELEM_ERR_ARG, "desc.memory is NULL or not 8-aligned");
    f = telem_i_file_writer_defaults(d);
    if (f.session == 0) {
        if (f.created == 0) f.created = telem_i_file_utc_now();
        f.session = telem_i_file_new_session(w);
    }
    if (f.session == 0 || f.profile > TELEM_FILE_WIRE || f.max_block < 256 || f.max_block > 1u << 30 || f.max_row > 16777216u ||
        f.max_streams > 65535 || f.block_rows > telem_i_file_most_rows(f.coding) ||
        f.block_bytes > f.max_block || f.coding > TELEM_FILE_MINI || f.level > TELEM_FILE_ARCHIVE ||
        f.pace > TELEM_FILE_HELPER)
        return telem_i_file_refuse_open(w, TELEM_ERR_ARG, "a field of the desc is out of its range");
#if defined(TELEM_FILE_NO_COLUMNS)
    if (f.coding == TELEM_FILE_COLUMNS) return telem_i_file_refuse_open(w, TELEM_ERR_UNSUPPORTED, "built without the columns coding");
#endif
#if defined(TELEM_FILE_NO_ROWS)
    if (f.coding == TELEM_FILE_ROWS) return telem_i_file_refuse_open(w, TELEM_ERR_UNSUPPORTED, "built without the rows coding");
#endif
#if defined(TELEM_FILE_NO_MINI)
    if (f.coding == TELEM_FILE_MINI) return telem_i_file_refuse_open(w, TELEM_ERR_UNSUPPORTED, "built without the mini coding");
#endif
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (f.journal && (f.journal_slots < 2 || f.journal_slots > 64 || f.journal_slot_bytes < 128 || f.journal_slot_bytes > 1u << 28 || f.journal_slot_bytes % 64))
        return telem_i_file_refuse_open(w, TELEM_ERR_ARG, "a field of the desc is out of its range");
#endif
    if (f.sync > TELEM_FILE_SYNC_ROW) return telem_i_file_refuse_open(w, TELEM_ERR_ARG, "a field of the desc is out of its range");
    z = telem_i_file_writer_layout(&f);
    if (f.memory_size < z.all)
        return telem_i_file_refuse_open(w, TELEM_ERR_MEMORY, "desc.memory_size is below telem_file_writer_bytes()");
#if !defined(TELEM_FILE_NO_JOURNAL)
    memset(&error, 0, sizeof error);
    r = telem_i_file_take_over(&f, &past, &locked, &error);
    if (r != TELEM_OK) {
        if (locked) (void)f.io->lock(f.io->user, 0);
        return telem_i_file_refuse_open(w, r, error.what ? error.what : "the file to append to cannot be read");
    }
#endif
    memset(w, 0, sizeof *w);
    w->desc = f;
    w->gate_wait = f.wait;
    w->gate_user = f.wait_user;
    w->arena.base = (uint8_t *)f.memory;
    w->arena.size = f.memory_size;
#if !defined(TELEM_FILE_NO_JOURNAL)
    w->locked = locked;
    if (past) w->arena.size = (size_t)((uint8_t *)past - (uint8_t *)f.memory); /* it stays behind */
#endif
    w->streams = (telem_i_file_wstream **)telem_i_file_take(&w->arena, z.streams);
    w->losses = (telem_i_file_wloss *)telem_i_file_take(&w->arena, z.losses);
    if (z.stage) w->stage = (uint8_t *)telem_i_file_take(&w->arena, z.stage);
    if (z.lz4) w->lz4 = (uint8_t *)telem_i_file_take(&w->arena, z.lz4);
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (z.columns) telem_i_file_shared_make(w);
#endif
    if (z.index) {
        w->index = (telem_i_file_windex *)telem_i_file_take(&w->arena, z.index);
        w->index->entries = (telem_i_file_entry *)telem_i_file_take(&w->arena, z.entries);
    }
#if defined(TELEM_NO_XXH3)
    telem_i_file_framing_init(&w->framing, f.session, f.profile, f.profile == TELEM_FILE_WIRE ? 1 : 8, 1);
#else
    telem_i_file_framing_init(&w->framing, f.session, f.profile, f.profile == TELEM_FILE_WIRE ? 1 : 8, f.profile == TELEM_FILE_WIRE ? 1 : 2);
#endif
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (z.zone) telem_i_file_wzone_make(w);
    return telem_i_file_begin_file(w, past);
#else
    w->open = 1;
    telem_i_file_emit_header(w);
    return w->error.code;
#endif
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
static telem_result telem_i_file_writable(telem_file_writer *w) {
    telem_result r;
    if (!w || !w->open) return telem_i_file_not_open(w);
    if (!telem_i_file_troubled(w)) return TELEM_OK;
    telem_i_file_acquire(w);
    r = w->error.code;
    telem_i_file_release(w);
    return r;
}

/* telem_i_file_emit for the writer's thread. */
static telem_result telem_i_file_emit_now(telem_file_writer *w, uint8_t kind, void (*body)(telem_i_file_body *b, const void *arg), const void *arg) {
    telem_result r;
    telem_i_file_acquire(w);
    r = telem_i_file_emit(w, kind, NULL, 0, body, arg);
    if (r == TELEM_OK && kind != TELEM_BLOCK_LOSS) r = w->error.code; /* a loss that is told is not told again */
    telem_i_file_release(w);
    return r;
}

/* Why a stream or a clock is refused, for a reader of telem_file_writer_error. Nothing of it sticks. */
#if defined(TELEM_FILE_NO_COLUMNS)
#define telem_i_file_wont(w, code, what) ((void)(w), (code))
#else
static telem_result telem_i_file_wont(telem_file_writer *w, telem_result code, const char *what) {
    w->why = what;
    return code;
}
#if defined(TELEM_NO_TEXT)
#define telem_i_file_wont(w, code, what) telem_i_file_wont(w, code, TELEM_I_WORDS(what))
#endif
#endif

/* Also with an error that stuck: what is added then is written when it is cleared. */
static int telem_i_file_may_add(telem_file_writer *w) {
#if defined(TELEM_FILE_NO_COLUMNS)
    return telem_i_file_writable(w) == TELEM_OK;
#else
    if (!w || !w->open) return 0;
    w->why = NULL;
    return 1;
#endif
}

TELEM_API telem_result telem_file_add_clock(telem_file_writer *w, uint32_t id, const telem_clock *clock, const char *name) {
    telem_result r = telem_i_file_writable(w);
    uint64_t pos;
    uint32_t i;
    if (!telem_i_file_may_add(w)) return r;
    if (!clock || clock->bits > 64 || clock->domain > TELEM_DOMAIN_USER) return telem_i_file_wont(w, TELEM_ERR_ARG, "no clock, or one with a width or domain that there is not");
    if (name && telem_i_length(name) > 255) return telem_i_file_wont(w, TELEM_ERR_ARG, "a clock's name is longer than 255 bytes");
    if (telem_i_file_find_clock(w, id, &i)) {
        if (!(w->clocks_refused >> i & 1u)) return telem_i_file_wont(w, TELEM_ERR_EXISTS, "a clock of this id was added before");
        if (r == TELEM_OK) w->clocks_refused &= ~(1u << i);
        return r;
    }
    for (i = 0; i < w->stream_count; i++)
        if (w->streams[i]->clock_id == id) return telem_i_file_wont(w, TELEM_ERR_STATE, "a stream of this clock was added before it"); /* its times would change their meaning */
    if (w->clock_count == TELEM_FILE_CLOCKS) return telem_i_file_wont(w, TELEM_ERR_LIMIT, "more clocks than TELEM_FILE_CLOCKS");
    w->clocks[w->clock_count] = *clock;
    w->clock_ids[w->clock_count] = id;
    w->clock_names[w->clock_count] = name ? name : "";
#if !defined(TELEM_FILE_NO_JOURNAL)
    for (i = 0; w->past && i < w->past->clock_count; i++)
        if (w->past->clocks[i].id == id) {
            if (w->past->clocks[i].hash != telem_i_file_clock_hash(clock, name ? name : ""))
                return telem_i_file_wont(w, TELEM_ERR_MISMATCH, "the file has another clock of this id");
            w->clock_count++;
            return TELEM_OK; /* the file has it */
        }
#endif
    telem_i_file_acquire(w);
    pos = telem_i_file_tell(w);
    r = telem_i_file_emit_clock(w, w->clock_count);
    w->announcement += telem_i_file_tell(w) - pos;
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (w->error.code != TELEM_OK) {
        w->clocks_refused |= 1u << w->clock_count;
        if (r != TELEM_OK) w->clocks_unsaid |= 1u << w->clock_count; /* else it is whole in the file, but for its pad */
        w->clock_count++;
        r = w->error.code;
    } else
#endif
    if (r == TELEM_OK) w->clock_count++;
    telem_i_file_release(w);
    return r;
}

/* Rows that get no number: nothing of them is written. s: NULL where there is no such stream. */
static telem_result telem_i_file_turn_down(telem_file_writer *w, telem_i_file_wstream *s, uint64_t rows, telem_result code) {
    w->refused += rows;
    if (s) s->declined += rows;
    return code;
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

static telem_result telem_i_file_check_stream(telem_file_writer *w, const telem_file_stream_desc *d) {
#if !defined(TELEM_FILE_TRUST_SCHEMAS)
    telem_error bad = TELEM_ZERO;
#endif
    uint32_t i;
    const char *name;
    if (!d || !d->schema || d->id == TELEM_ALL_STREAMS) return telem_i_file_wont(w, TELEM_ERR_ARG, "no schema, or the id that means all streams");
#if !defined(TELEM_FILE_TRUST_SCHEMAS)
    if (telem_schema_check(d->schema, &bad) != TELEM_OK) return telem_i_file_wont(w, TELEM_ERR_ARG, bad.what);
#endif
    if (d->clock != 0 && !telem_i_file_find_clock(w, d->clock, NULL)) return telem_i_file_wont(w, TELEM_ERR_NOT_FOUND, "the stream's clock was not added");
    name = d->name ? d->name : d->schema->name;
    if (telem_i_length(name) == 0 || telem_i_length(name) > 255) return telem_i_file_wont(w, TELEM_ERR_ARG, "a stream's name has 1 to 255 bytes");
    for (i = 0; i < w->stream_count; i++) {
        if (w->streams[i]->id == d->id) return telem_i_file_wont(w, TELEM_ERR_EXISTS, "a stream of this id was added before");
        if (telem_i_file_same(w->streams[i]->name, name)) return telem_i_file_wont(w, TELEM_ERR_EXISTS, "another stream has this name");
    }
    if (w->stream_count == w->desc.max_streams) return telem_i_file_wont(w, TELEM_ERR_LIMIT, "more streams than desc.max_streams");
    if (telem_schema_row_size(d->schema) > w->desc.max_row) return telem_i_file_wont(w, TELEM_ERR_LIMIT, "a row is larger than desc.max_row");
    if (telem_i_file_block_capacity(&w->desc, d) + 2u * TELEM_I_FILE_ROOM > w->desc.max_block)
        return telem_i_file_wont(w, TELEM_ERR_LIMIT, "a block of this stream may be larger than desc.max_block");
    if (w->columns && telem_i_file_worst_row(d->schema) + 16u * (uint64_t)telem_schema_columns(d->schema) + 512u > w->desc.max_block)
        return telem_i_file_wont(w, TELEM_ERR_LIMIT, "a row may be larger than desc.max_block");
    if ((uint64_t)telem_schema_encode(d->schema, 0, NULL, 0) + 4u * TELEM_I_FILE_ROOM + telem_i_length(name) > w->desc.max_block)
        return telem_i_file_wont(w, TELEM_ERR_LIMIT, "the schema is larger than desc.max_block");
    if (w->arena.size - w->arena.used < telem_i_file_stream_bytes(&w->desc, d, w->columns))
        return telem_i_file_wont(w, TELEM_ERR_MEMORY, "desc.memory_size lacks this stream's telem_file_stream_bytes()");
#if !defined(TELEM_FILE_NO_JOURNAL)
    {
        telem_i_file_known *known;
        telem_result r = telem_i_file_known_stream(w, d, &known);
        if (r != TELEM_OK) return telem_i_file_wont(w, r, "the file has another schema, name or clock for a stream of this id, or the name elsewhere");
    }
    if (w->zone && w->zone->base && telem_i_file_jrow_bytes(telem_schema_row_size(d->schema)) > w->desc.journal_slot_bytes - TELEM_I_FILE_SLOT_HEAD)
        return telem_i_file_wont(w, TELEM_ERR_LIMIT, "a row is larger than a slot of the journal");
#endif
    return TELEM_OK;
}

/* An interval in ticks: 0 stays 0 (never), anything else is a tick at least. */
static uint64_t telem_i_file_ticks(const telem_clock *clock, uint64_t ns) {
    int64_t t = telem_ns_to_ticks(clock, ns > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)ns);
    return ns == 0 ? 0 : t < 1 ? 1u : (uint64_t)t;
}

static void telem_i_file_drop_stream(telem_file_writer *w, telem_i_file_wstream *s, size_t used) {
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (w->columns) telem_i_file_gather_drop(w, s);
#else
    (void)s;
#endif
    w->arena.used = used;
}

TELEM_API telem_result telem_file_add_stream(telem_file_writer *w, const telem_file_stream_desc *d) {
    telem_i_file_wstream *s;
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_i_file_known *known;
#endif
    const telem_clock *clock;
    size_t used;
    telem_result r = telem_i_file_writable(w), wrong;
    if (!telem_i_file_may_add(w)) return r;
    s = d ? telem_i_file_find_stream(w, d->id) : NULL;
    if (s && s->refused && s->schema == d->schema) {
        if (r == TELEM_OK) s->refused = 0;
        return r;
    }
    if ((wrong = telem_i_file_check_stream(w, d)) != TELEM_OK) return wrong;
    used = w->arena.used;
    s = (telem_i_file_wstream *)telem_i_file_take(&w->arena, sizeof *s);
    s->schema = d->schema;
    s->place = w->stream_count;
    s->name = d->name ? d->name : d->schema->name;
    s->fingerprint = telem_schema_fingerprint(d->schema);
    s->encoding = (uint64_t)telem_schema_encode(d->schema, 0, NULL, 0);
    s->id = d->id;
    s->clock_id = d->clock;
    clock = telem_i_file_find_clock(w, d->clock, NULL);
    if (clock) s->clock = *clock;
    s->row_size = telem_schema_row_size(d->schema);
    s->capacity = (uint32_t)telem_i_file_block_capacity(&w->desc, d);
    if (w->desc.coding != TELEM_FILE_MINI) {
        s->row = (uint8_t *)telem_i_file_take(&w->arena, s->row_size);
        s->prev = (uint8_t *)telem_i_file_take(&w->arena, s->row_size);
    }
    s->out = (uint8_t *)telem_i_file_take(&w->arena, TELEM_I_FILE_ROOM + s->capacity + TELEM_I_FILE_SLACK) + TELEM_I_FILE_ROOM;
    s->start_row = s->next_row = s->sealed_row = d->start_row;
    s->need_key = 1;
    s->goal = d->block_bytes ? d->block_bytes : w->desc.block_bytes;
    s->age_ticks = telem_i_file_ticks(&s->clock, w->desc.max_age_ns);
    s->key_ticks = telem_i_file_ticks(&s->clock, w->desc.key_ns);
    if (w->desc.profile == TELEM_FILE_WIRE) s->announce_ticks = telem_i_file_ticks(&s->clock, w->desc.announce_ns);
    telem_i_file_look_at_schema(s);
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (w->columns) telem_i_file_gather_make(w, s);
#endif
#if !defined(TELEM_FILE_NO_MINI)
    if (w->desc.coding == TELEM_FILE_MINI) telem_i_file_mini_make(w, s);
#endif
#if !defined(TELEM_FILE_NO_JOURNAL)
    (void)telem_i_file_known_stream(w, d, &known);
    if (known && known->orphan) { /* its schema is lost: numbers of its rows are not given twice */
        known->taken = 1;
        if (s->next_row < known->next_row) s->next_row = s->sealed_row = known->next_row;
    } else if (known) {
        telem_i_file_take_known(w, s, known);
        s->begun = s->next_row;
        w->streams[w->stream_count++] = s;
        return TELEM_OK;
    }
#endif
    s->begun = s->next_row;
    telem_i_file_acquire(w);
    r = telem_i_file_emit_schema(w, s);
    w->announcement += telem_i_file_tell(w) - s->schema_pos;
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (w->error.code != TELEM_OK) {
        s->refused = 1;
        s->unsaid = r != TELEM_OK; /* else it is whole in the file, but for its pad */
        w->streams[w->stream_count++] = s;
        r = w->error.code;
    } else
#endif
    if (r == TELEM_OK) w->streams[w->stream_count++] = s;
    else telem_i_file_drop_stream(w, s, used); /* it is not there: rows without their schema could not be read */
    telem_i_file_release(w);
    return r;
}

#define TELEM_I_FILE_REPEAT 65536u /* bytes behind which a file says again what it is */

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

#if !defined(TELEM_FILE_NO_COLUMNS)
/* In a file: is what stands at `pos` to come again, for the n-th time? */
static int telem_i_file_repeat_due(const telem_file_writer *w, uint64_t pos, uint8_t n) {
    uint64_t base = 100u * w->announcement, behind = telem_i_file_tell(w) - pos;
    if (base < TELEM_I_FILE_REPEAT) base = TELEM_I_FILE_REPEAT;
    return n < 40 && behind >> n >= base;
}

/* Damage to a header or schema must not cost a file: both are repeated where that costs little. Between blocks
   of this stream; s->out is free. */
static void telem_i_file_repeat(telem_file_writer *w, telem_i_file_wstream *s) {
    uint32_t i;
    if (w->desc.profile == TELEM_FILE_WIRE || w->error.code != TELEM_OK) return;
    if (telem_i_file_repeat_due(w, w->header_pos, w->repeats)) {
        telem_i_file_emit_header(w);
        w->repeats++;
        for (i = 0; i < w->clock_count; i++) (void)telem_i_file_emit_clock(w, i);
    }
    if (!telem_i_file_repeat_due(w, s->schema_pos, s->repeats)) return;
    s->repeats++;
    (void)telem_i_file_emit_schema(w, s);
}
#endif

static void telem_i_file_announce(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
#if !defined(TELEM_FILE_NO_COLUMNS)
    telem_i_file_repeat(w, s);
#endif
    if (!telem_i_file_announce_due(s, time)) return;
    telem_i_file_announce_session(w);
    (void)telem_i_file_emit_schema(w, s);
}

static int telem_i_file_key_due(const telem_file_writer *w, const telem_i_file_wstream *s, int64_t time) {
    if (s->need_key) return 1;
    if (w->desc.key_bytes && s->group_bytes >= w->desc.key_bytes && s->group_rows >= w->desc.key_rows) return 1;
    return s->key_ticks && telem_i_file_since(s->key_time, time) >= s->key_ticks;
}

/* The open block, whose first row is this one, is a KEY block. */
static void telem_i_file_make_key(telem_i_file_wstream *s, uint64_t row, int64_t time) {
    telem_i_file_reset_prev(s);
    s->key = 1;
    s->key_row = row;
    s->key_time = time;
    s->group_bytes = s->group_rows = 0;
#if !defined(TELEM_FILE_NO_MINI)
    if (telem_i_file_is_mini(s) && s->mini) telem_i_file_mini_reset(s);
#endif
}

/* Begins a block with the row in s->row. */
static void telem_i_file_begin_block(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
    int null = telem_i_file_has_null(s);
    telem_i_file_announce(w, s, time);
    s->key = (uint8_t)telem_i_file_key_due(w, s, time);
    if (s->key) {
        telem_i_file_make_key(s, s->next_row, time);
        s->need_key = s->saw_null = 0;
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
    if (!s->has_optional && !s->has_counter && !(z >> 62) && telem_i_file_equal(s->row, s->prev, s->row_size)) {
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
    return s->age_ticks && apart >= s->age_ticks && !s->ageless;
}

/* Takes s->row into the stream. */
static telem_result telem_i_file_take_row(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
    int fresh;
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (w->zone && w->zone->base && !telem_i_file_journal_room(w, s)) { /* this row is not in the file; those that wait are, and stay */
        s->next_row++;
        w->rows++;
        telem_i_file_lose(w, s, 1, time, time);
        return w->error.code;
    }
#endif
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (s->g) return telem_i_file_gather_row(w, s, time);
#endif
    if (s->rows && ((telem_i_file_is_mini(s) ? s->run && s->need_key : s->rows >= w->desc.block_rows) || telem_i_file_too_old(s, time) ||
                    (s->all_present && telem_i_file_has_null(s)))) {
        if (s->all_present && telem_i_file_has_null(s)) s->saw_null = 1;
        (void)telem_i_file_close_block(w, s);
    }
    fresh = s->rows == 0;
    if (fresh) telem_i_file_begin_block(w, s, time);
    if (!telem_i_file_is_mini(s) && !telem_i_file_code_token(s, time)) {
        TELEM_ASSERT(!fresh); /* the capacity holds any one row */
        (void)telem_i_file_close_block(w, s);
        telem_i_file_begin_block(w, s, time);
        fresh = 1;
        if (!telem_i_file_code_token(s, time)) return TELEM_ERR_LIMIT;
    }
    if (w->error.code != TELEM_OK) { /* closing the block before failed: this row goes with it */
        uint64_t gone = (uint64_t)s->rows + 1u; /* with what a block cut in two has left */
        s->next_row++;
        w->rows++;
        s->rows = s->used = s->run = 0;
        if (telem_i_file_is_mini(s)) s->row = s->mini->rows;
        telem_i_file_lose(w, s, gone, time, time);
        return w->error.code;
    }
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (w->zone && w->zone->base) telem_i_file_journal_row(w, s, time);
#endif
    s->step = fresh && s->key ? 0 : telem_i_signed(telem_i_file_since(s->t, time));
    if (time < s->t && !fresh) s->disorder = 1;
    s->t = time;
    if (time < s->min) s->min = time;
    if (time > s->max) s->max = time;
    if (s->has_optional && !s->all_present) s->saw_null = 1;
#if !defined(TELEM_FILE_NO_MINI)
    if (telem_i_file_is_mini(s)) telem_i_file_mini_take(s, time);
#endif
    if (!telem_i_file_is_mini(s)) telem_i_file_keep_row(s);
    s->rows++;
    s->next_row++;
    w->rows++;
#if !defined(TELEM_FILE_NO_MINI)
    if (telem_i_file_is_mini(s) && telem_i_file_mini_tile(s) + (s->run != 0) >= w->desc.block_rows) return telem_i_file_mini_full(w, s, time);
#endif
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

static telem_result telem_i_file_row_in(telem_file_writer *w, telem_i_file_wstream *s, int64_t time, const void *rec, int packed) {
    telem_result r;
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (telem_file_journals(w) || w->desc.sync != TELEM_FILE_SYNC_NONE) { /* who is here holds the coding side then */
        telem_i_file_see_failed_sync(w);
#if !defined(TELEM_FILE_NO_COLUMNS)
        if (s->g && w->error.code != TELEM_OK) return telem_i_file_refuse_row(w, s, time);
#endif
    }
#endif
    if (!s->g && w->error.code != TELEM_OK) {
        s->next_row++;
        w->rows++;
        telem_i_file_lose(w, s, 1, time, time);
        return w->error.code;
    }
    if (packed) {
        memcpy(s->row, rec, s->row_size);
        if (!telem_i_file_normalise(s)) return telem_i_file_turn_down(w, s, 1, TELEM_ERR_RANGE);
    } else {
        r = telem_schema_pack(s->schema, rec, s->row);
        if (r != TELEM_OK) return telem_i_file_turn_down(w, s, 1, r);
    }
    r = telem_i_file_take_row(w, s, time);
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (r == TELEM_OK && w->desc.sync != TELEM_FILE_SYNC_NONE) r = telem_i_file_row_synced(w);
#endif
    return r;
}

static telem_result telem_i_file_row_to(telem_file_writer *w, uint32_t stream, int64_t time, const void *rec, int packed) {
    telem_i_file_wstream *s;
#if !defined(TELEM_FILE_NO_COLUMNS)
    telem_result r;
#endif
    if (!w || !w->open) return telem_i_file_not_open(w);
    s = telem_i_file_find_stream(w, stream);
    if (!s) return telem_i_file_turn_down(w, NULL, 1, TELEM_ERR_NOT_FOUND);
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (s->g) {
        int more = w->desc.sync != TELEM_FILE_SYNC_NONE || telem_file_journals(w); /* each row is told to the coding side */
        if (telem_i_file_troubled(w)) return telem_i_file_refuse_row(w, s, time);
        if (!more && !packed && telem_i_file_is_native(s) && telem_i_file_quick_row(w, s, time, rec)) return TELEM_OK;
        if (more) telem_i_file_acquire(w);
        r = telem_i_file_row_in(w, s, time, rec, packed);
        if (more) telem_i_file_release(w);
        return r;
    }
#endif
    return telem_i_file_row_in(w, s, time, rec, packed);
}

#if defined(TELEM_FILE_NO_COLUMNS)
TELEM_API telem_result telem_file_add_health(telem_file_writer *w, telem_file_watch *h, const telem_file_stream_desc *s, uint64_t period_ns) {
    (void)w, (void)h, (void)s, (void)period_ns;
    return TELEM_ERR_UNSUPPORTED;
}
#define telem_i_file_watched(w) 0
#define telem_i_file_timed_row telem_i_file_row_to
#else
/* >>health ---------------------------------------------------------------------------------------- */

/* A row of the health stream. */
static void telem_i_file_tell_health(telem_file_writer *w, int64_t now) {
    telem_file_watch *h = w->health;
    telem_file_health row;
    uint32_t i;
    memset(&row, 0, sizeof row);
    telem_i_file_acquire(w);
    row.rows = w->rows;
    row.bytes = w->pos;
    row.blocks = w->seq;
    row.lost = w->lost;
    for (i = 0; i < w->stream_count; i++) row.waiting += w->streams[i]->g ? telem_i_file_waiting(w->streams[i]) : w->streams[i]->rows;
    telem_i_file_release(w);
    row.errors = h->errors;
    row.row_ns_worst = telem_i_file_watch_ns(h, h->worst);
    row.row_ns_mean = h->calls ? telem_i_file_watch_ns(h, h->sum / h->calls) : 0;
    row.syncs = TELEM_LOAD32_RELAXED(&h->syncs);
    row.sync_ns_worst = TELEM_LOAD32_RELAXED(&h->sync_ns);
    h->calls = 0;
    h->sum = h->worst = 0;
    h->last = now;
    (void)telem_i_file_row_to(w, h->stream, now, &row, 0);
}

static void telem_i_file_health_due(telem_file_writer *w, uint64_t now) {
    if (telem_i_file_since(w->health->last, telem_i_signed(now)) >= w->health->period) telem_i_file_tell_health(w, telem_i_signed(now));
}

static int telem_i_file_watched(const telem_file_writer *w) { return w && w->health && w->open; }

static telem_result telem_i_file_timed_row(telem_file_writer *w, uint32_t stream, int64_t time, const void *rec, int packed) {
    telem_file_watch *h = w->health;
    uint64_t begin = telem_i_file_watch_now(h), now, took;
    telem_result r = telem_i_file_row_to(w, stream, time, rec, packed);
    now = telem_i_file_watch_now(h);
    took = now - begin;
    if (took > h->worst) h->worst = took;
    h->sum += took;
    h->calls++;
    telem_i_file_health_due(w, now);
    return r;
}

TELEM_API telem_result telem_file_add_health(telem_file_writer *w, telem_file_watch *h, const telem_file_stream_desc *s, uint64_t period_ns) {
    telem_file_stream_desc d;
    const telem_i_file_wstream *there;
    const telem_clock *clock;
    telem_result r;
    if (!w || !w->open) return telem_i_file_not_open(w);
    if (!h || !s) return TELEM_ERR_ARG;
    if (w->health) return TELEM_ERR_STATE;
    memset(h, 0, sizeof *h);
    clock = telem_i_file_find_clock(w, s->clock, NULL);
    if (clock) h->clock = *clock;
#if TELEM_HAS_SYSTEM
    else h->clock = telem_clock_monotonic();
#endif
    if (!h->clock.read || (h->clock.bits && h->clock.bits < 64)) return TELEM_ERR_ARG;
    d = *s;
    d.schema = &telem_file_health_schema;
    there = telem_i_file_find_stream(w, d.id);
    if (there && there->clock_id == d.clock && there->fingerprint == telem_schema_fingerprint(d.schema)) r = TELEM_OK;
    else r = telem_file_add_stream(w, &d);
    if (!telem_i_file_find_stream(w, d.id) || r == TELEM_ERR_EXISTS) return r;
    h->stream = d.id;
    h->period = telem_i_file_ticks(&h->clock, period_ns ? period_ns : 1000000000u);
    h->last = telem_i_signed(telem_i_file_watch_now(h));
    w->health = h;
    return r;
}
#endif

TELEM_API telem_result telem_file_write(telem_file_writer *w, uint32_t stream, int64_t time, const void *rec) {
    if (telem_i_file_watched(w)) return telem_i_file_timed_row(w, stream, time, rec, 0);
    return telem_i_file_row_to(w, stream, time, rec, 0);
}

TELEM_API telem_result telem_file_write_row(telem_file_writer *w, uint32_t stream, int64_t time, const void *row) {
    if (telem_i_file_watched(w)) return telem_i_file_timed_row(w, stream, time, row, 1);
    return telem_i_file_row_to(w, stream, time, row, 1);
}

static uint32_t telem_i_file_length(const char *text, uint32_t n) {
    return n || !text ? n : (uint32_t)telem_i_length(text);
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
    r = telem_i_file_emit_now(w, TELEM_BLOCK_LOSS, telem_i_file_loss_body, &l);
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
    return telem_i_file_emit_now(w, TELEM_BLOCK_SYNC, telem_i_file_sync_body, sync);
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
    return telem_i_file_emit_now(w, TELEM_BLOCK_METADATA, telem_i_file_metadata_body, &c);
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
    return telem_i_file_emit_now(w, TELEM_BLOCK_ANNOTATION, telem_i_file_annotation_body, &c);
}

#if !defined(TELEM_FILE_NO_JOURNAL)
TELEM_API telem_result telem_file_sync(telem_file_writer *w) {
    telem_result r;
    if (!w) return telem_i_file_not_open(w);
    telem_i_file_gate_enter(w);
    if (w->open) TELEM_STORE32_RELAXED(&w->sync_used, 1);
    r = w->open ? telem_i_file_sync_io(w) : telem_i_file_not_open(w);
    telem_i_file_gate_leave(w);
    return r;
}

static void telem_i_file_sync_timed(telem_file_writer *w, uint32_t clock, int64_t now) {
    const telem_clock *k = telem_i_file_find_clock(w, clock, NULL);
    telem_clock ns = TELEM_ZERO;
    uint64_t ticks;
    int helped = 0;
    telem_i_file_see_failed_sync(w);
#if !defined(TELEM_FILE_NO_COLUMNS)
    helped = telem_i_file_helped(w);
#endif
    if (w->desc.sync != TELEM_FILE_SYNC_INTERVAL) {
        if (w->sync_due && !helped) (void)telem_i_file_sync_now(w);
        return;
    }
    ticks = telem_i_file_ticks(k ? k : &ns, w->desc.sync_ns);
    if (w->sync_timed && now >= w->sync_time && telem_i_file_since(w->sync_time, now) < ticks) return;
    if (w->sync_timed && helped) w->sync_due = 1;
    else if (w->sync_timed) (void)telem_i_file_sync_now(w);
    w->sync_timed = 1;
    w->sync_time = now;
}
#else
static telem_result telem_i_file_sync_now(telem_file_writer *w) {
    telem_result r;
    if (w->error.code != TELEM_OK || !w->desc.io->sync) return w->error.code;
    r = telem_i_file_io_sync(w);
    if (r != TELEM_OK) telem_i_file_writer_fail(w, r, "the io's sync failed");
    return r;
}
TELEM_API telem_result telem_file_sync(telem_file_writer *w) {
    telem_result r = telem_i_file_writable(w);
    return r == TELEM_OK ? telem_i_file_sync_now(w) : r;
}
TELEM_API int telem_file_journals(const telem_file_writer *w) {
    (void)w;
    return 0;
}
#endif

TELEM_API telem_result telem_file_writer_poll(telem_file_writer *w, uint32_t clock, int64_t now) {
    uint32_t i, told = 0;
    telem_result r = telem_i_file_writable(w);
    if (r != TELEM_OK) return r;
    telem_i_file_acquire(w);
    for (i = 0; i < w->stream_count; i++) {
        telem_i_file_wstream *s = w->streams[i];
        if (s->clock_id != clock) continue;
#if !defined(TELEM_FILE_NO_COLUMNS)
        if (s->g) telem_i_file_poll_columns(w, s, now);
        if (s->g && telem_i_file_waiting(s)) continue;
#endif
        if (s->rows && telem_i_file_too_old(s, now)) (void)telem_i_file_close_block(w, s);
        if (s->rows || !telem_i_file_announce_due(s, now)) continue;
        if (told++ == 0) telem_i_file_announce_session(w);
        (void)telem_i_file_emit_schema(w, s);
    }
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_i_file_sync_timed(w, clock, now);
#endif
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (w->health) telem_i_file_health_due(w, telem_i_file_watch_now(w->health));
#endif
    r = w->error.code;
    telem_i_file_release(w);
    return r;
}

TELEM_API telem_result telem_file_writer_flush(telem_file_writer *w) {
    uint32_t i;
    telem_result r = telem_i_file_writable(w);
    if (r != TELEM_OK) return r;
    telem_i_file_acquire(w);
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_i_file_see_failed_sync(w);
#endif
    for (i = 0; i < w->stream_count; i++) (void)telem_i_file_close_block(w, w->streams[i]);
    telem_i_file_out_flush(w);
    r = w->error.code;
    telem_i_file_release(w);
    return r;
}

TELEM_API telem_result telem_file_writer_sync(telem_file_writer *w) {
    telem_result r = telem_file_writer_flush(w);
    if (r != TELEM_OK) return r;
    telem_i_file_acquire(w);
    r = telem_i_file_sync_now(w);
    telem_i_file_release(w);
    return r;
}

static void telem_i_file_end_body(telem_i_file_body *b, const void *arg) {
    const telem_file_writer *w = (const telem_file_writer *)arg;
    uint32_t i, others = 0;
    telem_i_file_body_put_varint(b, telem_i_file_index_of(w) ? telem_i_file_back(b->start, w->index->last[0]) : 0);
    telem_i_file_body_put_varint(b, w->seq);
#if !defined(TELEM_FILE_NO_JOURNAL)
    for (i = 0; w->past && i < w->past->known_count; i++) others += !w->past->known[i].taken;
#endif
    telem_i_file_body_put_varint(b, w->stream_count + others);
    for (i = 0; i < w->stream_count; i++) {
        telem_i_file_body_put_varint(b, w->streams[i]->id);
        telem_i_file_body_put_varint(b, b->start - w->streams[i]->schema_pos);
        telem_i_file_body_put_varint(b, w->streams[i]->next_row);
    }
#if !defined(TELEM_FILE_NO_JOURNAL)
    for (i = 0; w->past && i < w->past->known_count; i++) { /* streams of the file that this writer does not go on with */
        const telem_i_file_known *k = &w->past->known[i];
        if (k->taken) continue;
        telem_i_file_body_put_varint(b, k->id);
        telem_i_file_body_put_varint(b, k->orphan ? 0 : b->start - k->schema_pos);
        telem_i_file_body_put_varint(b, k->next_row);
    }
#endif
}

/* Rows that the io will never get are lost. */
static void telem_i_file_give_up(telem_file_writer *w) {
    uint32_t i;
    for (i = 0; i < w->stream_count; i++) {
        telem_i_file_wstream *s = w->streams[i];
        uint64_t waiting = s->staged_turn == w->turn ? s->staged_rows : 0;
#if !defined(TELEM_FILE_NO_COLUMNS)
        if (s->g) telem_i_file_give_up_columns(w, s);
#endif
        if (s->rows + waiting) telem_i_file_lose(w, s, s->rows + waiting, s->min, s->max);
        s->rows = s->run = 0;
    }
}

/* The last index and an end block; where that lies. It is to be synced. */
static uint64_t telem_i_file_end_session(telem_file_writer *w) {
    uint64_t pos;
    if (telem_i_file_index_of(w) && w->index->count && w->error.code == TELEM_OK) telem_i_file_index_emit(w);
    pos = telem_i_file_tell(w);
    (void)telem_i_file_emit(w, TELEM_BLOCK_END, NULL, 0, telem_i_file_end_body, w);
    telem_i_file_out_flush(w);
    return pos;
}

TELEM_API telem_result telem_file_writer_close(telem_file_writer *w) {
    if (!w || !w->open) return telem_i_file_not_open(w);
    telem_i_file_acquire(w);
    (void)telem_file_writer_flush(w);
    (void)telem_i_file_end_session(w);
    (void)telem_i_file_sync_now(w);
    if (w->error.code != TELEM_OK) telem_i_file_give_up(w);
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_i_file_gate_shut(w);
    telem_i_file_journal_end(w);
    telem_i_file_unlock(w);
    w->open = 0;
    telem_i_file_gate_open(w);
#else
    w->open = 0;
#endif
    telem_i_file_release(w);
    return w->error.code;
}

/* `owner` is taken for a moment; nothing else changes. */
static telem_file_writer *telem_i_file_acquire_for(const telem_file_writer *w) {
    telem_file_writer *own;
    memcpy(&own, &w, sizeof own);
    telem_i_file_acquire(own);
    return own;
}

TELEM_API telem_error telem_file_writer_error(const telem_file_writer *w) {
    telem_file_writer *own = telem_i_file_acquire_for(w);
    telem_error e = w->error;
    if (e.code == TELEM_OK) e.what = w->why;
    telem_i_file_release(own);
    return e;
}

TELEM_API uint64_t telem_file_next_row(const telem_file_writer *w, uint32_t stream) {
    const telem_i_file_wstream *s = w ? telem_i_file_find_stream(w, stream) : NULL;
    return s ? s->next_row : 0;
}

static uint64_t telem_i_file_lost_before(const telem_i_file_wstream *s) {
#if !defined(TELEM_FILE_NO_FEEDS)
    return s->lost_before;
#else
    (void)s;
    return 0;
#endif
}

/* Rows of a stream that were lost are told. A block begun before them is closed first: behind it
   the row numbers jump. */
static void telem_i_file_tell_loss(telem_file_writer *w, telem_i_file_wstream *s) {
    telem_loss l = TELEM_ZERO;
    if (s->untold == 0 || telem_i_file_close_block(w, s) != TELEM_OK) return;
    s->need_key = 1; /* also where the block that waited was the KEY block that the loss asked for */
    l.stream = s->id;
    l.hop = TELEM_HOP_WRITER;
    l.cause = TELEM_CAUSE_IO;
    l.has_span = 1;
    l.clock = s->clock_id;
    l.count = s->untold;
    l.first = s->lost_first;
    l.last = s->lost_last;
    l.text = "";
    l.total = s->lost - telem_i_file_lost_before(s);
    if (telem_i_file_emit(w, TELEM_BLOCK_LOSS, NULL, 0, telem_i_file_loss_body, &l) == TELEM_OK) s->untold = 0;
}

#if !defined(TELEM_FILE_NO_COLUMNS)
/* Clocks and schemas that an error kept from the io. */
static void telem_i_file_say_rest(telem_file_writer *w) {
    uint32_t i;
    for (i = 0; i < w->clock_count && w->error.code == TELEM_OK; i++)
        if ((w->clocks_unsaid >> i & 1u) && telem_i_file_emit_clock(w, i) == TELEM_OK) w->clocks_unsaid &= ~(1u << i);
    for (i = 0; i < w->stream_count && w->error.code == TELEM_OK; i++)
        if (w->streams[i]->unsaid && telem_i_file_emit_schema(w, w->streams[i]) == TELEM_OK) w->streams[i]->unsaid = 0;
}
#endif

TELEM_API telem_result telem_file_writer_clear(telem_file_writer *w) {
    static const uint8_t pad[64] = {0};
    uint32_t i;
    telem_result r;
    if (!w || !w->open) return telem_i_file_not_open(w);
#if !defined(TELEM_FILE_NO_JOURNAL)
    TELEM_STORE32_RELAXED(&w->sync_failed, 0);
#endif
    if (!telem_i_file_troubled(w)) return TELEM_OK;
    telem_i_file_acquire(w);
    memset(&w->error, 0, sizeof w->error);
#if !defined(TELEM_FILE_NO_COLUMNS)
    telem_i_file_trouble(w, 0);
#endif
    if (w->stage && w->staged == w->desc.io->block_size) telem_i_file_stage_out(w);
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (w->columns) telem_i_file_settle(w, 0); /* a block that was going out when a sync failed: nothing may stand in it */
#endif
    (void)telem_i_file_out(w, pad, w->framing.align - 1u); /* a block may lack its last bytes */
    if (w->lacks >= w->framing.align) (void)telem_i_file_out(w, pad, w->lacks - (w->framing.align - 1u));
    if (w->error.code == TELEM_OK) w->lacks = 0;
    if (!w->stage && w->error.code == TELEM_OK) w->turn++;
    if (!w->headed) telem_i_file_emit_header(w);
    else telem_i_file_index_again(w);
#if !defined(TELEM_FILE_NO_COLUMNS)
    telem_i_file_say_rest(w);
#endif
    for (i = 0; i < w->stream_count && w->error.code == TELEM_OK; i++) telem_i_file_tell_loss(w, w->streams[i]);
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (w->health && w->error.code == TELEM_OK) w->health->errors++;
#endif
    r = w->error.code;
    telem_i_file_release(w);
    return r;
}

TELEM_API telem_file_writer_stats telem_file_writer_get_stats(const telem_file_writer *w) {
    telem_file_writer_stats z = TELEM_ZERO;
    telem_file_writer *own = telem_i_file_acquire_for(w);
    z.rows = w->rows;
    z.blocks = w->seq;
    z.bytes = w->pos;
    z.lost = w->lost;
    z.refused = w->refused;
    telem_i_file_release(own);
    return z;
}

TELEM_API telem_file_writer_stats telem_file_stream_get_stats(const telem_file_writer *w, uint32_t stream) {
    telem_file_writer_stats z = TELEM_ZERO;
    const telem_i_file_wstream *s = telem_i_file_find_stream(w, stream);
    telem_file_writer *own;
    if (!s) return z;
    own = telem_i_file_acquire_for(w);
    z.rows = s->next_row - s->begun;
    z.blocks = s->blocks;
    z.bytes = s->bytes;
    z.lost = s->lost;
    z.refused = s->declined;
    telem_i_file_release(own);
    return z;
}

#if !defined(TELEM_FILE_NO_FEEDS)
/* >>rotate -- a writer goes on in another file, of a session of its own. All rows are with the old io then; what
   the new file begins with (header, clocks, schemas, chain) is written before anything of the old is forgotten,
   so that a file that cannot be begun costs nothing. */

static void telem_i_file_chain_body(telem_i_file_body *b, const void *arg) {
    const telem_file_writer *w = (const telem_file_writer *)arg;
    uint32_t i;
    telem_i_file_body_put_varint(b, w->stream_count);
    for (i = 0; i < w->stream_count; i++) {
        telem_i_file_body_put_varint(b, w->streams[i]->id);
        telem_i_file_body_put_varint(b, w->streams[i]->start_row);
    }
}

static telem_result telem_i_file_emit_chain(telem_file_writer *w) {
    return telem_i_file_emit(w, TELEM_BLOCK_CHAIN, NULL, 0, telem_i_file_chain_body, w);
}

/* What comes back when the new file cannot be begun. */
typedef struct telem_i_file_rotation {
    telem_file_writer old; /* as far as its sync_gate */
    telem_i_file_windex index;
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_i_file_wzone zone;
#endif
    uint64_t end; /* place of the end block */
} telem_i_file_rotation;

#if !defined(TELEM_FILE_NO_JOURNAL)
/* The new file's lock and zone, beside those of the old one. */
static telem_result telem_i_file_rotate_zone(telem_file_writer *w) {
    telem_io *io = w->desc.io;
    int journals = w->zone && w->zone->base;
    telem_result r = io->lock && w->desc.profile == TELEM_FILE_DISK ? io->lock(io->user, 1) : TELEM_ERR_UNSUPPORTED;
    w->locked = r == TELEM_OK;
    if (r == TELEM_ERR_BUSY) telem_i_file_writer_fail(w, r, "another writer has the next file open");
    if (w->zone) w->zone->map = w->zone->base = w->zone->slot = NULL;
    if (w->zone && w->error.code == TELEM_OK && telem_i_file_can_journal(&w->desc)) (void)telem_i_file_journal_begin(w);
    if (journals && !w->zone->base) telem_i_file_writer_fail(w, TELEM_ERR_UNSUPPORTED, "the next file's journal zone cannot be mapped");
    return w->error.code;
}

/* Forgets the new file's, takes the old one's again: all rows in that are in blocks. */
static void telem_i_file_rotate_zone_back(telem_file_writer *w, const telem_i_file_rotation *k) {
    telem_i_file_wzone *z = w->zone;
    telem_i_file_unlock(w);
    if (!z) return;
    telem_i_file_zone_unmap(w);
    *z = k->zone;
    memset(z->ends, 0, 8u * (size_t)z->slots * w->desc.max_streams);
    memset(z->is_sealed, 1, z->slots);
    memset(z->sealed_at, 0, 4u * (size_t)z->slots);
}

/* The old file's zone is closed and let go. */
static void telem_i_file_rotate_zone_end(telem_file_writer *w, const telem_i_file_rotation *k) {
    const telem_i_file_wzone *z = &k->zone;
    if (!w->zone || !z->base) return;
    telem_i_file_zone_store(z->base + 24, 0);
    (void)k->old.desc.io->unmap(k->old.desc.io->user, z->map, z->mapped);
}
#endif

static void telem_i_file_rotate_back(telem_file_writer *w, const telem_i_file_rotation *k) {
    uint32_t i;
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_i_file_rotate_zone_back(w, k);
#endif
    memcpy(w, &k->old, offsetof(telem_file_writer, sync_gate));
#if !defined(TELEM_FILE_NO_COLUMNS)
    telem_i_file_trouble(w, w->error.code != TELEM_OK);
#endif
    for (i = 0; i < w->stream_count; i++) {
        telem_i_file_wstream *s = w->streams[i];
        s->schema_pos = s->old_schema_pos;
        s->start_row = s->old_start_row;
        s->repeats = s->old_repeats;
        s->need_key = 1;
    }
    if (!w->index) return;
    *w->index = k->index;
    w->index->count = 0; /* its entries were written over; only the end block is not in an index yet */
    telem_i_file_index_add(w, TELEM_BLOCK_END, k->end, NULL);
}

/* What a file begins with. */
static void telem_i_file_rotate_preamble(telem_file_writer *w) {
    uint64_t at;
    uint32_t i;
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (telem_i_file_rotate_zone(w) != TELEM_OK) return;
#endif
    telem_i_file_emit_header(w);
    at = telem_i_file_tell(w);
    for (i = 0; i < w->clock_count && w->error.code == TELEM_OK; i++) (void)telem_i_file_emit_clock(w, i);
    for (i = 0; i < w->stream_count && w->error.code == TELEM_OK; i++) {
        telem_i_file_wstream *s = w->streams[i];
        s->start_row = s->next_row;
        s->repeats = 0;
        (void)telem_i_file_emit_schema(w, s);
    }
    w->announcement += telem_i_file_tell(w) - at;
    (void)telem_i_file_emit_chain(w);
    telem_i_file_out_flush(w);
}

/* The file at hand is synced. *unsynced: that failed before and was cleared since: who stays in a file that was removed,
   or that no sync gets through to, never gets out of it. */
static telem_result telem_i_file_rotate_sync(telem_file_writer *w, uint8_t *unsynced) {
    int again = *unsynced;
    if (w->error.code != TELEM_OK || telem_i_file_sync_now(w) == TELEM_OK) return w->error.code;
    *unsynced = 1;
    if (!again) return w->error.code;
    memset(&w->error, 0, sizeof w->error);
#if !defined(TELEM_FILE_NO_JOURNAL)
    TELEM_STORE32_RELAXED(&w->sync_failed, 0);
#endif
#if !defined(TELEM_FILE_NO_COLUMNS)
    telem_i_file_trouble(w, 0);
#endif
    return TELEM_OK;
}

/* All rows and an end block go into the file at hand. */
static telem_result telem_i_file_rotate_end(telem_file_writer *w, telem_i_file_rotation *k, uint8_t *unsynced) {
    telem_result r = telem_file_writer_flush(w);
    uint32_t i;
    if (r != TELEM_OK) return r;
    k->end = telem_i_file_end_session(w);
    if (telem_i_file_rotate_sync(w, unsynced) != TELEM_OK) return w->error.code;
    for (i = 0; i < w->stream_count; i++) {
        telem_i_file_wstream *s = w->streams[i];
        s->old_schema_pos = s->schema_pos;
        s->old_start_row = s->start_row;
        s->old_repeats = s->repeats;
        s->need_key = 1; /* the next block stands behind an end */
    }
    memcpy(&k->old, w, offsetof(telem_file_writer, sync_gate));
    if (w->index) k->index = *w->index;
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (w->zone) k->zone = *w->zone;
#endif
    return TELEM_OK;
}

/* Begins a file of a new session on `io` (of the same block_size). On an error the writer stands in the old one as
   before, behind an end block. */
static telem_result telem_i_file_rotate_begin(telem_file_writer *w, telem_io *io, uint32_t number, uint64_t session, int64_t created, const telem_i_file_rotation *k) {
    telem_error e;
    w->desc.io = io;
    w->desc.previous = w->desc.session;
    w->desc.session = session;
    w->desc.created = created;
    w->desc.file_number = number;
    telem_i_file_framing_init(&w->framing, session, w->desc.profile, w->framing.align, w->framing.payload_hash);
    w->pos = w->seq = 0;
    w->staged = w->stage_done = w->loss_count = 0;
    w->headed = 0;
    w->repeats = 0;
    w->header_pos = w->announcement = 0;
    w->turn++;
    if (w->index) {
        memset(w->index->last, 0, sizeof w->index->last);
        memset(w->index->below_count, 0, sizeof w->index->below_count);
        w->index->count = 0;
    }
    telem_i_file_rotate_preamble(w);
    e = w->error;
    if (e.code != TELEM_OK) {
        telem_i_file_rotate_back(w, k);
        return e.code;
    }
    return TELEM_OK;
}

/* The new file has its name: what was of the old one is forgotten. */
static void telem_i_file_rotate_done(telem_file_writer *w, const telem_i_file_rotation *k) {
    uint32_t i;
    for (i = 0; i < w->stream_count; i++) {
        memset(w->streams[i]->covered, 0, sizeof w->streams[i]->covered);
        w->streams[i]->has_announced = 0;
        w->streams[i]->lost_before = w->streams[i]->lost;
    }
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_i_file_rotate_zone_end(w, k);
#else
    (void)k;
#endif
}
#endif

#if defined(TELEM_FILE_NO_COLUMNS)
TELEM_API telem_result telem_file_write_columns(telem_file_writer *w, uint32_t stream, uint64_t rows, const int64_t *times,
                                                const telem_file_column *columns, uint32_t count) {
    (void)w, (void)stream, (void)rows, (void)times, (void)columns, (void)count;
    return TELEM_ERR_UNSUPPORTED;
}
TELEM_API telem_result telem_file_read_columns(telem_file_reader *r, telem_file_read *reads, uint32_t n) {
    (void)r, (void)reads, (void)n;
    return TELEM_ERR_UNSUPPORTED;
}
TELEM_API telem_result telem_file_view_column(telem_file_reader *r, telem_file_stream *stream, uint32_t column, uint64_t row,
                                              telem_file_view *view) {
    (void)r, (void)stream, (void)column, (void)row, (void)view;
    return TELEM_ERR_UNSUPPORTED;
}
#endif

/* >>attachments-out ------------------------------------------------------------------------------ */

#if defined(TELEM_FILE_NO_COLUMNS)
TELEM_API telem_result telem_file_attach_begin(telem_file_writer *w, telem_file_attaching *a, uint64_t id, const char *name,
                                               const char *media, uint64_t total) {
    (void)w, (void)a, (void)id, (void)name, (void)media, (void)total;
    return TELEM_ERR_UNSUPPORTED;
}
TELEM_API telem_result telem_file_attach(telem_file_writer *w, telem_file_attaching *a, const void *data, size_t n) {
    (void)w, (void)a, (void)data, (void)n;
    return TELEM_ERR_UNSUPPORTED;
}
TELEM_API telem_result telem_file_attach_end(telem_file_writer *w, telem_file_attaching *a) {
    (void)w, (void)a;
    return TELEM_ERR_UNSUPPORTED;
}
TELEM_API telem_result telem_file_write_attachment(telem_file_writer *w, uint64_t *id, const char *name, const char *media,
                                                   const void *data, size_t n) {
    (void)w, (void)id, (void)name, (void)media, (void)data, (void)n;
    return TELEM_ERR_UNSUPPORTED;
}
#else
#define TELEM_I_FILE_HEAD 1u /* flags of an attachment's chunk */
#define TELEM_I_FILE_LAST 2u
#define TELEM_I_FILE_CHUNK_REST 96u /* bytes of a chunk's block that are neither its HEAD nor data, at most */

/* The hash over all of an attachment, as telem_i_file_hash_pair in parts. Its state lies in the caller's
   struct, which knows nothing of xxhash. */
typedef struct telem_i_file_pair {
    XXH32_state_t half[2];
} telem_i_file_pair;
typedef char telem_i_file_pair_fits[sizeof(telem_i_file_pair) <= sizeof(((telem_file_attaching *)0)->hash) ? 1 : -1];

static void telem_i_file_pair_begin(telem_i_file_pair *h) {
    (void)XXH32_reset(&h->half[0], 0);
    (void)XXH32_reset(&h->half[1], 0x9E3779B1u);
}
static void telem_i_file_pair_add(telem_i_file_pair *h, const void *p, size_t n) {
    if (n == 0) return;
    (void)XXH32_update(&h->half[0], p, n);
    (void)XXH32_update(&h->half[1], p, n);
}
static uint64_t telem_i_file_pair_end(const telem_i_file_pair *h) {
    return XXH32_digest(&h->half[0]) | (uint64_t)XXH32_digest(&h->half[1]) << 32;
}

typedef struct telem_i_file_chunk {
    const telem_file_attaching *a;
    const void *data;
    size_t n;
    uint64_t hash;
    uint8_t flags;
} telem_i_file_chunk;

static void telem_i_file_chunk_body(telem_i_file_body *b, const void *arg) {
    const telem_i_file_chunk *k = (const telem_i_file_chunk *)arg;
    uint8_t hash[8];
    telem_i_file_body_put_varint(b, k->a->id);
    telem_i_file_body_put_byte(b, k->flags);
    telem_i_file_body_put_varint(b, k->a->offset);
    if (k->flags & TELEM_I_FILE_HEAD) {
        telem_i_file_body_put_text(b, k->a->name, strlen(k->a->name));
        telem_i_file_body_put_text(b, k->a->media, strlen(k->a->media));
        telem_i_file_body_put_varint(b, k->a->total + 1u);
    }
    telem_i_file_body_put_text(b, k->data, k->n);
    if (!(k->flags & TELEM_I_FILE_LAST)) return;
    telem_put64(hash, k->hash);
    telem_i_file_body_put(b, hash, 8);
}

/* Bytes of data that a chunk with these flags can take. */
static size_t telem_i_file_chunk_room(const telem_file_writer *w, const telem_file_attaching *a, int head) {
    size_t used = TELEM_I_FILE_CHUNK_REST + (head ? strlen(a->name) + strlen(a->media) + 16u : 0u);
    return used < w->desc.block_bytes ? w->desc.block_bytes - used : 0;
}

/* n bytes of data as chunks; `last`: and the end. What an error cuts is lost, and so is the rest. */
static telem_result telem_i_file_put_chunks_own(telem_file_writer *w, telem_file_attaching *a, const void *data, size_t n, int last) {
    const uint8_t *p = (const uint8_t *)data;
    telem_i_file_pair h;
    telem_i_file_chunk k;
    if (a->session != w->desc.session) { /* a feed's next file: it says again what it is */
        a->session = w->desc.session;
        a->headless = 1;
    }
    memcpy(&h, a->hash, sizeof h);
    telem_i_file_pair_add(&h, p, n);
    memcpy(a->hash, &h, sizeof h);
    memset(&k, 0, sizeof k);
    k.a = a;
    do {
        int head = a->headless || (last && n <= telem_i_file_chunk_room(w, a, 1));
        size_t room = telem_i_file_chunk_room(w, a, head);
        telem_result r;
        if (room == 0 && !head) room = 1;
        k.n = n < room ? n : room;
        k.data = p;
        k.flags = head ? TELEM_I_FILE_HEAD : 0;
        if (last && head && k.n == n) {
            k.flags |= TELEM_I_FILE_LAST;
            k.hash = telem_i_file_pair_end(&h);
        }
        r = telem_i_file_emit(w, TELEM_BLOCK_ATTACHMENT, NULL, 0, telem_i_file_chunk_body, &k);
        if (r != TELEM_OK) {
            a->lost += n;
            a->offset += n;
            return r;
        }
        if (head) a->headless = 0;
        a->offset += k.n;
        p += k.n;
        n -= k.n;
    } while (n || (last && !(k.flags & TELEM_I_FILE_LAST)));
    return TELEM_OK;
}

static telem_result telem_i_file_put_chunks(telem_file_writer *w, telem_file_attaching *a, const void *data, size_t n, int last) {
    telem_result r;
    telem_i_file_acquire(w);
    r = telem_i_file_put_chunks_own(w, a, data, n, last);
    telem_i_file_release(w);
    return r;
}

static telem_result telem_i_file_attach_open(telem_file_writer *w, telem_file_attaching *a, uint64_t id, const char *name,
                                        const char *media, uint64_t total) {
    telem_i_file_pair h;
    memset(a, 0, sizeof *a);
    if (!name || strlen(name) == 0 || strlen(name) > 255 || (media && strlen(media) > 255)) return TELEM_ERR_ARG;
    if (total != TELEM_FILE_UNKNOWN && total >> 63) return TELEM_ERR_ARG;
    a->name = name;
    a->media = media ? media : "";
    a->total = total;
    if (TELEM_I_FILE_CHUNK_REST + strlen(a->name) + strlen(a->media) + 16u > w->desc.max_block) return TELEM_ERR_LIMIT;
    a->id = id ? id : w->seq + 1u; /* no other begins with this block */
    if (!id && w->desc.sequence) a->id += (uint64_t)w->desc.file_number << 32;
    a->session = w->desc.session;
    a->sequence = w->desc.sequence;
    a->open = a->headless = 1;
    telem_i_file_pair_begin(&h);
    memcpy(a->hash, &h, sizeof h);
    return TELEM_OK;
}

TELEM_API telem_result telem_file_attach_begin(telem_file_writer *w, telem_file_attaching *a, uint64_t id, const char *name,
                                               const char *media, uint64_t total) {
    telem_result r = telem_i_file_writable(w);
    uint64_t seq;
    if (!a || !w || !w->open) return a ? r : TELEM_ERR_ARG;
    telem_i_file_acquire(w);
    if (w->columns) telem_i_file_settle(w, 0); /* w->seq is that of no block yet */
    seq = w->seq;
    r = telem_i_file_attach_open(w, a, id, name, media, total);
    if (r == TELEM_OK) {
        r = telem_i_file_put_chunks(w, a, "", 0, 0);
        if (w->seq == seq) w->seq++; /* an error that stuck: the id is taken all the same */
    }
    telem_i_file_release(w);
    return r;
}

static telem_result telem_i_file_attachable(const telem_file_writer *w, const telem_file_attaching *a, size_t n) {
    if (!w || !w->open) return telem_i_file_not_open(w);
    if (!a || !a->open || a->sequence != w->desc.sequence || (!a->sequence && a->session != w->desc.session)) return TELEM_ERR_STATE;
    if (a->total != TELEM_FILE_UNKNOWN && n > a->total - a->offset) return TELEM_ERR_RANGE;
    return ((uint64_t)1 << 63) - a->offset < n ? TELEM_ERR_RANGE : TELEM_OK;
}

TELEM_API telem_result telem_file_attach(telem_file_writer *w, telem_file_attaching *a, const void *data, size_t n) {
    telem_result r = telem_i_file_attachable(w, a, n);
    if (r != TELEM_OK || n == 0) return r;
    return data ? telem_i_file_put_chunks(w, a, data, n, 0) : TELEM_ERR_ARG;
}

TELEM_API telem_result telem_file_attach_end(telem_file_writer *w, telem_file_attaching *a) {
    telem_result r = telem_i_file_attachable(w, a, 0);
    if (r != TELEM_OK) return r;
    if (a->total != TELEM_FILE_UNKNOWN && a->offset != a->total) return TELEM_ERR_STATE;
    r = telem_i_file_put_chunks(w, a, "", 0, 1);
    if (r == TELEM_OK) a->open = 0; /* with an error it may be tried again */
    return r;
}

TELEM_API telem_result telem_file_write_attachment(telem_file_writer *w, uint64_t *id, const char *name, const char *media,
                                                   const void *data, size_t n) {
    telem_file_attaching a;
    telem_result r = telem_i_file_writable(w);
    if (r != TELEM_OK) return r;
    if (n && !data) return TELEM_ERR_ARG;
    telem_i_file_acquire(w);
    if (w->columns) telem_i_file_settle(w, 0);
    r = telem_i_file_attach_open(w, &a, id ? *id : 0, name, media, n);
    if (r == TELEM_OK && id) *id = a.id;
    if (r == TELEM_OK) r = telem_i_file_put_chunks(w, &a, n ? data : "", n, 1);
    telem_i_file_release(w);
    return r;
}
#endif

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
    uint64_t seen_row;               /* one past the last row that came out of the journal zone */
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
    uint8_t sought;    /* a repeat of it was looked for */
    uint64_t scan_rows, scan_next; /* telem_file_reader_scan */
    int64_t scan_first, scan_last;
    struct telem_i_file_mini_state *mini; /* NULL: none yet */
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

static int telem_i_file_seekable(const telem_file_reader *r) { return r->desc.map || r->desc.io->seek; }

/* Bytes of the stream; -1: not known. */
static int64_t telem_i_file_stream_size(const telem_file_reader *r) {
    if (r->desc.map) return (int64_t)r->desc.map_size;
    return r->desc.io->size ? r->desc.io->size(r->desc.io->user) : -1;
}

#if !defined(TELEM_FILE_NO_COLUMNS)
static void telem_i_file_forget_attachments(telem_file_reader *r);
static int telem_i_file_cut_next(telem_file_reader *r);
static int telem_i_file_cut_last(telem_file_reader *r);
#else
#define telem_i_file_forget_attachments(r) ((void)(r))
#define telem_i_file_cut_next(r) 0
#define telem_i_file_cut_last(r) 0
#endif

static uint8_t *telem_i_file_here(telem_file_reader *r) { return r->window + r->at; }
static size_t telem_i_file_left(const telem_file_reader *r) { return r->have - r->at; }
static uint64_t telem_i_file_where(const telem_file_reader *r) { return r->offset + r->at; }

/* memmove towards the front, of memcpy's: a microcontroller's program has that already. */
static void telem_i_file_move_down(uint8_t *to, const uint8_t *from, size_t n) {
    size_t step = (size_t)(from - to), part;
    if (step < 16)
        for (; n; n--) *to++ = *from++;
    for (; n; n -= part, to += part, from += part) {
        part = n < step ? n : step;
        memcpy(to, from, part);
    }
}

/* Makes `need` bytes available at the position. TELEM_END when the io has no more now. Reads up to
   r->chunk bytes more than asked. */
static telem_result telem_i_file_fill(telem_file_reader *r, size_t need) {
    size_t want;
    if (telem_i_file_left(r) >= need) return TELEM_OK;
    if (r->desc.map) return TELEM_END;
    if (r->moved) {
        telem_result e = r->desc.io->seek(r->desc.io->user, r->offset + r->have);
        if (e != TELEM_OK) return telem_i_file_reader_fail(r, e, r->offset + r->have, "the io cannot seek there");
        r->moved = 0;
    }
    if (r->at > 0) { /* nothing points into the window between blocks */
        telem_i_file_move_down(r->window, r->window + r->at, telem_i_file_left(r));
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
            if (got != TELEM_AGAIN)
                (void)telem_i_file_reader_fail(r, (telem_result)got, r->offset + r->have,
                                               got == TELEM_ERR_ACCESS ? "the io must not be read: is its file open?" : "reading from the io failed");
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

static telem_result telem_i_file_hop(telem_file_reader *r, uint64_t pos) {
    telem_result e;
    if (pos >= r->offset && pos - r->offset <= r->have) { /* it is in the window */
        r->at = (size_t)(pos - r->offset);
    } else {
        e = r->desc.map ? TELEM_ERR_IO : r->desc.io->seek(r->desc.io->user, pos);
        if (e != TELEM_OK) return telem_i_file_reader_fail(r, e, pos, "the io cannot seek there");
        r->offset = pos;
        r->at = r->have = 0;
        r->moved = 0;
    }
    r->owed = 0;
    r->has_bad = 0;
    r->queued = r->taken = 0;
    r->block.stream = NULL;
    r->entries = NULL;
    r->tail = NULL;
    r->seq_known = 0;
    return TELEM_OK;
}

/* The same, to another place in the stream: what began before is not gone on with. */
static telem_result telem_i_file_goto(telem_file_reader *r, uint64_t pos) {
    telem_i_file_forget_attachments(r);
    return telem_i_file_hop(r, pos);
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
static void telem_i_file_step_row(telem_i_file_rstream *s, uint8_t *row, int all) {
    telem_columns it;
    telem_column col;
    uint32_t absent_end = 0, i;
    if (!s->has_counter) return;
    telem_columns_begin(&it, s->pub.schema);
    while (telem_columns_next(&it, &col)) {
        if (col.row < absent_end) continue;
        if (!all && col.presence && row[col.row] == 0) absent_end = col.row + 1u + col.covers;
        if (!telem_i_file_is_counter(&col)) continue;
        for (i = 0; i < col.count; i++) {
            uint8_t *p = row + col.row + (size_t)i * col.width;
            telem_i_file_store(p, col.width, telem_i_file_load(p, col.width) + 1u);
        }
    }
}

/* The row as it is delivered: what is absent is zero. */
static const uint8_t *telem_i_file_present_row(telem_i_file_rstream *s, const uint8_t *from) {
    telem_columns it;
    telem_column col;
    uint32_t absent_end = 0;
    if (!s->has_optional) return from;
    memcpy(s->row, from, s->pub.row_size);
    telem_columns_begin(&it, s->pub.schema);
    while (telem_columns_next(&it, &col)) {
        if (col.row < absent_end || !col.presence || from[col.row]) continue;
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
        telem_i_file_step_row(s, s->prev, 0);
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

#if !defined(TELEM_FILE_NO_MINI)
/* >>mini-decode -- section 7 ------------------------------------------------------------------- */

typedef struct telem_i_file_mini_state { /* of a column; the time's is the first */
    uint64_t v;
    uint32_t e;
    uint32_t mode;
} telem_i_file_mini_state;

/* The rows of the block at hand, decoded. */
struct telem_i_file_mrows {
    uint8_t *row;   /* the next one */
    int64_t *time;
    const uint8_t *idle, *end; /* more than 32 rows: the payload, which makes each from the one before; row and time hold one */
};

static uint64_t telem_i_file_mini_bits_get(const uint8_t *p, uint32_t at, uint32_t n) {
    uint64_t v = 0;
    uint32_t got = 0;
    while (got < n) {
        uint32_t shift = (at + got) & 7u, part = 8u - shift;
        if (part > n - got) part = n - got;
        v |= (uint64_t)((uint32_t)p[(at + got) >> 3] >> shift & ((1u << part) - 1u)) << got;
        got += part;
    }
    return v;
}

static uint32_t telem_i_file_from_decimal(uint32_t k, float power) {
    float x = (k >> 31 ? -(float)(~k + 1u) : (float)k) / power;
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

/* What is written of v into the row. */
static void telem_i_file_mini_store(uint8_t *p, const telem_column *col, uint64_t v, float power) {
    if (power > 0.0f) telem_put32(p, telem_i_file_from_decimal((uint32_t)(v & 0xFFFFFFFFu), power));
    else if (telem_i_file_codes_float(col->type)) telem_i_file_store(p, col->width, telem_i_file_order(v, col->width));
    else telem_i_file_store(p, col->width, v);
}

/* A coded column of numbers, or the time (col NULL: `to` are times). 0: CORRUPT. */
static int telem_i_file_mini_values(telem_i_file_cursor *c, const telem_column *col, telem_i_file_mini_state *k, uint8_t *to, size_t stride, uint32_t n) {
    uint32_t head = telem_i_file_take_byte(c), b = head & 127u, i, counter = col && telem_i_file_is_counter(col);
    uint64_t keep = col ? ~(uint64_t)0 >> (64u - 8u * col->width) : ~(uint64_t)0;
    int linear = (int)(head >> 7), decimal = b > 64;
    float power = 0.0f;
    const uint8_t *p;
    if (decimal) {
        uint32_t decimals = col && col->type == TELEM_F32 ? col->field->decimals : 0u;
        b -= 65u;
        if (decimals == 0 || decimals > TELEM_I_FILE_MINI_DECIMALS + 1u || col->presence) return 0;
        power = telem_i_file_power10(decimals - 1u);
    }
    if (k->mode == (decimal ? TELEM_I_FILE_MODE_BITS : TELEM_I_FILE_MODE_DECIMALS)) return 0;
    k->mode = decimal ? TELEM_I_FILE_MODE_DECIMALS : TELEM_I_FILE_MODE_BITS;
    p = telem_i_file_take_bytes(c, (n * b + 7u) / 8u);
    if (c->bad || ((n * b & 7u) && p[n * b / 8u] >> (n * b & 7u))) return 0;
    for (i = 0; i < n; i++) {
        uint64_t pred = k->v + (linear ? telem_i_file_mini_extend(k->e) : counter), v;
        v = telem_i_file_unresidual(telem_i_file_mini_bits_get(p, i * b, b), pred) & keep;
        k->e = (uint32_t)((v - k->v) & 0xFFFFFFFFu);
        k->v = v;
        if (!col) ((int64_t *)(void *)to)[i] = telem_i_signed(v);
        else telem_i_file_mini_store(to + i * stride, col, v, power);
        if (col && col->type == TELEM_BOOL && v > 1) return 0;
    }
    return 1;
}

/* A column without an item. */
static void telem_i_file_mini_idle(const telem_column *col, telem_i_file_mini_state *k, const uint8_t *before, uint8_t *to, size_t stride, uint32_t n) {
    uint32_t i, counter = telem_i_file_is_counter(col) ? 1u : 0u;
    for (i = 0; i < n; i++, to += stride) {
        memcpy(to, before, col->width);
        if (counter) telem_i_file_store(to, col->width, k->v + i + 1u);
    }
    k->e = counter;
    if (counter) k->v += n;
}

static int telem_i_file_mini_texts(telem_i_file_cursor *c, const telem_i_file_decoder *d, const telem_column *col, const uint8_t *before, uint8_t *to, size_t stride, uint32_t n) {
    telem_i_file_decoder one = *d;
    telem_i_file_coded k;
    uint32_t i;
    if (telem_i_file_take_byte(c) != 0) return 0;
    k.at = 0;
    k.width = col->width;
    k.size = telem_i_file_codes_variable(col->type) ? col->width - 4u : col->width;
    k.type = col->type;
    k.counter = 0;
    for (i = 0; i < n; i++, before = to, to += stride) {
        memcpy(to, before, col->width);
        one.prev = to;
        if (!telem_i_file_decode_text(&one, &k)) return 0;
    }
    return 1;
}

/* Is the next column coded? */
static int telem_i_file_mini_coded(telem_i_file_decoder *d) {
    if (d->n == d->size) telem_i_file_group_open(d);
    d->columns--;
    return (int)((uint32_t)d->mask >> d->n++ & 1u);
}

/* Has no column an item? */
static int telem_i_file_mini_all_idle(const telem_i_file_rstream *s, telem_i_file_cursor c, const telem_i_file_rblock *b) {
    telem_i_file_decoder d;
    memset(&d, 0, offsetof(telem_i_file_decoder, coded));
    d.c = &c;
    d.columns = 1u + s->columns - (b->all_present ? s->presences : 0u);
    while (d.columns && !c.bad)
        if (telem_i_file_mini_coded(&d)) return 0;
    return !c.bad && c.p == c.end;
}

/* Decodes the columns of n rows. */
static int telem_i_file_mini_columns_in(telem_i_file_rstream *s, telem_i_file_cursor *c, const telem_i_file_rblock *b, uint32_t n) {
    struct telem_i_file_mrows *m = b->mini;
    telem_i_file_mini_state *k = s->mini;
    telem_columns it;
    telem_column col;
    telem_i_file_decoder d;
    uint32_t i;
    size_t row = s->pub.row_size;
    memset(&d, 0, offsetof(telem_i_file_decoder, coded));
    d.c = c;
    d.columns = 1u + s->columns - (b->all_present ? s->presences : 0u);
    if (telem_i_file_mini_coded(&d)) {
        if (!telem_i_file_mini_values(c, NULL, k, (uint8_t *)m->time, 8, n)) return 0;
    } else {
        for (i = 0; i < n; i++) m->time[i] = telem_i_signed(k->v += telem_i_file_mini_extend(k->e));
    }
    telem_columns_begin(&it, s->pub.schema);
    while (telem_columns_next(&it, &col)) {
        if (col.presence && b->all_present) {
            for (i = 0, k++; i < n; i++) m->row[i * row + col.row] = 1;
            k->v = 1;
            k->e = 0;
            continue;
        }
        for (i = 0; i < col.count; i++) {
            size_t at = col.row + (size_t)i * col.width;
            const uint8_t *before = s->prev + at;
            uint8_t *to = m->row + at;
            int coded = telem_i_file_mini_coded(&d);
            k++;
            if (c->bad) return 0;
            if (!coded) telem_i_file_mini_idle(&col, k, before, to, row, n);
            else if (telem_i_file_codes_text(col.type) ? !telem_i_file_mini_texts(c, &d, &col, before, to, row, n)
                                                       : !telem_i_file_mini_values(c, &col, k, to, row, n)) return 0;
        }
    }
    return !c->bad && c->p == c->end;
}

/* A mini block, verified: all of it is decoded, its rows come one by one. */
static telem_result telem_i_file_begin_mini(telem_file_reader *r, telem_i_file_rblock *b, const uint8_t *p, size_t n, int key, int64_t base_time) {
    telem_i_file_rstream *s = b->stream;
    telem_i_file_cursor c = telem_i_file_cursor_at(p, n);
    telem_i_file_pool temp;
    uint32_t columns = 1u + s->columns;
    uint32_t rows = b->rows > TELEM_I_FILE_MINI_ROWS ? 1u : (uint32_t)b->rows;
    if (b->rows > rows && rows == 1u && !telem_i_file_mini_all_idle(s, c, b)) return TELEM_ERR_CORRUPT;
    if (!s->mini) s->mini = (telem_i_file_mini_state *)telem_i_file_take(&r->arena, columns * sizeof *s->mini);
    temp = r->arena; /* until the block's rows are delivered */
    b->mini = (struct telem_i_file_mrows *)telem_i_file_take(&temp, sizeof *b->mini);
    if (b->mini) b->mini->time = (int64_t *)telem_i_file_take(&temp, 8u * (size_t)rows);
    if (b->mini) b->mini->row = (uint8_t *)telem_i_file_take(&temp, rows * (size_t)s->pub.row_size);
    if (!s->mini || !b->mini || !b->mini->time || !b->mini->row) return TELEM_ERR_MEMORY;
    if (key) {
        memset(s->mini, 0, columns * sizeof *s->mini);
        s->mini[0].v = (uint64_t)base_time;
    }
    b->mini->idle = b->rows > rows ? c.p : NULL;
    b->mini->end = c.end;
    return b->mini->idle || telem_i_file_mini_columns_in(s, &c, b, rows) ? TELEM_OK : TELEM_ERR_CORRUPT;
}

static void telem_i_file_mini_row(telem_i_file_rblock *b) {
    telem_i_file_rstream *s = b->stream;
    struct telem_i_file_mrows *m = b->mini;
    if (m->idle) {
        telem_i_file_cursor c = telem_i_file_cursor_at(m->idle, (size_t)(m->end - m->idle));
        (void)telem_i_file_mini_columns_in(s, &c, b, 1); /* it was found sound */
    }
    memcpy(s->prev, m->row, s->pub.row_size);
    s->t = *m->time;
    if (!m->idle) m->row += s->pub.row_size, m->time++;
    s->has_time = 1;
    b->rows--;
    b->row++;
}
#endif

#if !defined(TELEM_FILE_NO_COLUMNS)
/* gcc at -O2 leaves most of these loops as they are, -O3 makes vectors of them. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#if __GNUC__ >= 11 && !defined(TELEM_FILE_NO_O3) && !defined(TELEM_FILE_MCU_COLUMNS)
#define TELEM_I_FILE_FASTER /* before gcc 11 the pragma forgot other flags */
#endif
#endif
#if defined(TELEM_I_FILE_FASTER)
#pragma GCC push_options
#pragma GCC optimize("O3")
#endif
/* >>columns-common */
/* What the columns coding's parts share. Included behind telem_file.h's framing helpers.
   CODEC BYTE of an item: bits 0-5 codec, bit 6 GROUPED (values stand in grouped order), bit 7 bounds follow.
   Codecs: 0 raw, 1 constant (both the block's), 2..31 numbers (C2), 32..47 text (C3), 48..55 a column
   predicted from another one of the block (later), 56..63 free. numbers_encode / text_encode never see
   all-equal columns (the block codes these itself) but must survive them; answer 0 when they cannot be
   below `cap` (the block gives cap = raw size - 1 and then stores raw). n is 1..cap. BOOL values are 0/1.
   The time column comes through numbers_encode as an I64 column with field->flags MONOTONIC, as
   time - base (mod 2^64); run lengths as a U32 column; presence columns as BOOL (col->presence 1). */
typedef struct telem_i_file_codec {
    uint8_t level;                  /* 0 default, 1 fast, 2 archive */
    uint64_t off;                   /* bit per codec or mode that must not be chosen; 0 in use: 0-15 ints, 16-31 text, 32-47 numbers */
    uint32_t cap;                   /* rows that the scratch is made for, multiple of 64, 4,096 or more */
    uint64_t *a64, *b64, *c64;      /* cap + 1024 elements each, 64-aligned */
    uint32_t *a32, *b32;            /* the same; a32 IS a64's memory and b32 b64's */
    uint8_t *bytes;                 /* cap * 10 + 4096, at least 98,304 where there are strings, BYTES, CHARS: trial
                                       output; 64-aligned */
    uint8_t *text;                  /* writer, streams with strings: bytes of a block's largest text column + rows +
                                       64 (text is coded worse when it is smaller); else NULL */
    size_t text_size;
    void *table;                    /* hash tables, entropy tables, LZ4's state */
    size_t table_size;              /* 65,536 (archive: LZ4-HC's state when larger) */
    uint32_t nigh[2][5];            /* writer: what was chosen last for floats of 4 and 8 bytes (as front[0..3]; what a sample
                                       cost so, 1/16 bit): neighbours are often alike */
} telem_i_file_codec;

typedef struct telem_i_file_choice { /* per column: what was chosen last and when to look again */
    uint32_t ints[8];
    uint32_t front[8];
} telem_i_file_choice;

/* >>columns-ints: integer streams. A predictor turns n integers into residuals, one of four coders writes those.
   The width-generic half stands once and is compiled for 32 and for 64 bits (this file includes itself). */

/* --- what both widths share --- */

enum { /* predictors: low nibble of the first byte; 0..3 are the orders */
    TELEM_I_FILE_LAG = 4,      /* x[i] - x[i - L] */
    TELEM_I_FILE_LAG_DELTA = 5 /* the same over the deltas */
};
enum { /* residual coders: high nibble of the first byte */
    TELEM_I_FILE_CONSTANT = 0,
    TELEM_I_FILE_PACKED = 1,
    TELEM_I_FILE_SPARSE = 2,
    TELEM_I_FILE_BINNED = 3
};
enum { /* bits of codec.off */
    TELEM_I_FILE_OFF_PATCH = 1,
    TELEM_I_FILE_OFF_SPARSE = 2,
    TELEM_I_FILE_OFF_BINNED = 4,
    TELEM_I_FILE_OFF_LAG = 8,
    TELEM_I_FILE_OFF_ORDER2 = 16,
    TELEM_I_FILE_OFF_ORDER3 = 32,
    TELEM_I_FILE_OFF_LAG_DELTA = 64
};
/* Where a constant argument makes the loop. */
#if defined(__GNUC__) || defined(__clang__)
#define TELEM_I_FILE_INLINE static inline __attribute__((always_inline))
#else
#define TELEM_I_FILE_INLINE static inline
#endif

/* Four numbers at a time, in the compiler's own terms; without these they go one by one. */
#if defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12)
typedef uint32_t telem_i_file_v4 __attribute__((vector_size(16)));
typedef int32_t telem_i_file_s4 __attribute__((vector_size(16)));
#define TELEM_I_FILE_V4(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#endif

#define TELEM_I_FILE_VECTOR 1024u    /* values that share a width */
#define TELEM_I_FILE_MAX_LAG 64u
#define TELEM_I_FILE_LEAVES 128u     /* bins at most */
#define TELEM_I_FILE_SINGLE 96u      /* values at most of which each has its own bin */
#define TELEM_I_FILE_FINEST 6u       /* cells of the histogram to the octave at most, as a power of two */
#define TELEM_I_FILE_CLASSES ((64u << TELEM_I_FILE_FINEST) + 1u) /* cells of the histogram that the bins are made of */
#define TELEM_I_FILE_PAYLOAD_OVER 512u /* bytes that an entropy coded payload may have over plain integers */
#define TELEM_I_FILE_STATES 2048u    /* the entropy coder's table at most */
#define TELEM_I_FILE_WAYS 4u         /* states that take turns in a string */
#define TELEM_I_FILE_TWO 1024u       /* values from which on two strings hold a half each */
#define TELEM_I_FILE_FIRST(n) ((n) < TELEM_I_FILE_TWO ? (n) : (n) / 8u * 4u) /* values of the first string */

#if defined(__GNUC__) || defined(__clang__)
static inline uint32_t telem_i_file_bit_length(uint64_t v) { return v ? 64u - (uint32_t)__builtin_clzll(v) : 0u; }
static inline uint32_t telem_i_file_ones(uint64_t v) { return ~v ? (uint32_t)__builtin_ctzll(~v) : 64u; } /* low 1 bits */
#else
static inline uint32_t telem_i_file_bit_length(uint64_t v) {
    uint32_t n = 0, s;
    for (s = 32; s; s >>= 1)
        if (v >> s) n += s, v >>= s;
    return n + (v != 0);
}
static inline uint32_t telem_i_file_ones(uint64_t v) { return telem_i_file_bit_length((v ^ (v + 1u)) >> 1); }
#endif

/* Words in the stream are little-endian. memcpy where the host is too: loops over it vectorise. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline uint32_t telem_i_file_get32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}
static inline uint64_t telem_i_file_get64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}
static inline void telem_i_file_set32(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }
static inline void telem_i_file_set64(uint8_t *p, uint64_t v) { memcpy(p, &v, 8); }
#else
static inline uint32_t telem_i_file_get32(const uint8_t *p) { return telem_get32(p); }
static inline uint64_t telem_i_file_get64(const uint8_t *p) { return telem_get64(p); }
static inline void telem_i_file_set32(uint8_t *p, uint32_t v) { telem_put32(p, v); }
static inline void telem_i_file_set64(uint8_t *p, uint64_t v) { telem_put64(p, v); }
#endif

static inline uint64_t telem_i_file_low(uint64_t v, uint32_t n) { /* the low n bits, n <= 64 */
    return n < 64 ? v & (((uint64_t)1 << n) - 1u) : v;
}

/* log2 in 1/256 bit, within 1/100 bit; integers only, so that every target makes the same choice. 0 for 0. */
static inline uint32_t telem_i_file_log2(uint64_t v) {
    uint32_t l, f;
    if (!v) return 0;
    l = telem_i_file_bit_length(v) - 1u;
    f = (uint32_t)(((v << (63u - l)) >> 47) & 0xFFFFu);
    return l * 256u + ((f + (uint32_t)((((uint64_t)f * (65536u - f)) >> 16) * 22479u >> 16)) >> 8);
}

/* A bit string, lowest bit of the lowest byte first. */
typedef struct telem_i_file_bits {
    uint8_t *p;
    size_t cap; /* bits */
    size_t at;
    int full;
} telem_i_file_bits;

static void telem_i_file_bits_put(telem_i_file_bits *b, uint64_t v, uint32_t n) { /* n <= 64 */
    uint8_t *p = b->p + (b->at >> 3);
    uint32_t at = (uint32_t)(b->at & 7u), k;
    if (b->at + n > b->cap) {
        b->full = 1;
        return;
    }
    if (n <= 56u && b->cap - b->at >= 72u) { /* in one word: what lies behind is not written yet */
        telem_i_file_set64(p, (at ? (uint64_t)*p : 0u) | telem_i_file_low(v, n) << at);
        b->at += n;
        return;
    }
    b->at += n;
    if (at) {
        k = 8u - at < n ? 8u - at : n;
        *p = (uint8_t)(*p | (uint32_t)telem_i_file_low(v, k) << at);
        if (at + k < 8u) return;
        p++;
        v >>= k;
        n -= k;
    }
    for (; n > 8u; n -= 8u, v >>= 8) *p++ = (uint8_t)(v & 0xFFu);
    if (n) *p = (uint8_t)telem_i_file_low(v, n);
}

typedef struct telem_i_file_bitr {
    const uint8_t *p;
    size_t size; /* bits */
    size_t at;
    int bad;
} telem_i_file_bitr;

static uint64_t telem_i_file_bits_get(telem_i_file_bitr *b, uint32_t n) { /* n <= 64 */
    const uint8_t *p = b->p + (b->at >> 3);
    uint32_t at = (uint32_t)(b->at & 7u), got;
    uint64_t v;
    if (n > b->size - b->at) {
        b->bad = 1;
        return 0;
    }
    if (!n) return 0;
    b->at += n;
    v = (uint64_t)*p++ >> at;
    for (got = 8u - at; got < n; got += 8u) v |= (uint64_t)*p++ << got;
    return telem_i_file_low(v, n);
}

/* A write position with an end: what does not fit makes p NULL, and it stays NULL. */
static uint8_t *telem_i_file_put_varint(uint8_t *p, const uint8_t *end, uint64_t v) {
    if (!p || (size_t)(end - p) < TELEM_VARINT_MAX) return NULL;
    return p + telem_varint_put(p, v);
}
static const uint8_t *telem_i_file_get_varint(const uint8_t *p, const uint8_t *end, uint64_t *v) {
    int n;
    if (!p) return NULL;
    n = telem_varint_get(p, (size_t)(end - p), v);
    return n > 0 ? p + n : NULL;
}

/* --- the entropy coder: tANS over bins, four interleaved states in a string, one or two strings --- */

typedef struct telem_i_file_bins {
    uint32_t count; /* leaves of non-zero weight */
    uint32_t log;   /* states = 1 << log */
    uint32_t top;   /* the tree covers [0, 2^top) */
    uint32_t wide;  /* the largest width */
    uint64_t lo[TELEM_I_FILE_LEAVES];
    uint8_t width[TELEM_I_FILE_LEAVES];
    uint16_t weight[TELEM_I_FILE_LEAVES]; /* 1..63: (4 + (q & 3)) << (q >> 2). As wide as freq: where it was not,
                                             gcc 12.2 for aarch64 dropped the calls of share_states */
    uint16_t freq[TELEM_I_FILE_LEAVES];
} telem_i_file_bins;

static uint32_t telem_i_file_weight(uint32_t q) { return (4u + (q & 3u)) << (q >> 2); }

/* States per bin from the weights: cumulative rounding of what is left after one for each. One division: the
   sum is below 2^32, so that the last product is neither short of `spare` nor above it. */
static void telem_i_file_share_states(telem_i_file_bins *b) {
    uint64_t sum = 0, at = 0, was = 0, each;
    uint32_t i;
    for (i = 0; i < b->count; i++) sum += telem_i_file_weight(b->weight[i]);
    each = ((uint64_t)((1u << b->log) - b->count) << 32) / sum + 1u;
    for (i = 0; i < b->count; i++) {
        uint64_t now;
        at += telem_i_file_weight(b->weight[i]);
        now = at * each >> 32;
        b->freq[i] = (uint16_t)(now - was + 1u);
        was = now;
    }
}

/* The order of the states: half of each bin's (the smaller one), bin by bin, then the other halves. As good as
   a finer mixture within 0.3 %, and tables are a few runs per bin. */
static uint32_t telem_i_file_half(uint32_t freq, uint32_t part) { return part ? freq - freq / 2u : freq / 2u; }

typedef struct telem_i_file_state { /* one state of the decoder */
    uint8_t few; /* bits that make the next state with `next` */
    uint8_t all; /* and those of the offset in the bin, above them */
    uint16_t next;
    uint32_t low; /* the bin's lowest value; in 64-bit streams the bin's number */
} telem_i_file_state;

/* `count` states of a bin from the x-th on, whose next ones lie 2^few apart: all fit, no carry leaves `next`. */
static telem_i_file_state *telem_i_file_fill_states(telem_i_file_state *t, uint32_t count, telem_i_file_state first) {
    telem_i_file_state step;
    uint64_t word, add;
    uint32_t i;
    memset(&step, 0, sizeof step);
    step.next = (uint16_t)(1u << first.few);
    memcpy(&word, &first, sizeof word);
    memcpy(&add, &step, sizeof add);
    for (i = 0; i < count; i++, word += add) memcpy(t + i, &word, sizeof word);
    return t + count;
}
static void telem_i_file_decode_table(const telem_i_file_bins *b, telem_i_file_state *t, int with_low) {
    uint32_t part, i;
    for (part = 0; part < 2u; part++)
        for (i = 0; i < b->count; i++) {
            uint32_t x = b->freq[i] + (part ? b->freq[i] / 2u : 0u), to = x + telem_i_file_half(b->freq[i], part);
            while (x < to) { /* at most twice: while x has as many bits */
                uint32_t bits = telem_i_file_bit_length(x), end = to < 1u << bits ? to : 1u << bits;
                telem_i_file_state e;
                e.few = (uint8_t)(b->log + 1u - bits);
                e.all = (uint8_t)(e.few + b->width[i]);
                e.next = (uint16_t)((x << e.few) - (1u << b->log));
                e.low = with_low ? (uint32_t)(b->lo[i] & 0xFFFFFFFFu) : i;
                t = telem_i_file_fill_states(t, end - x, e);
                x = end;
            }
        }
}

/* The low n < 64 bits. Without the instruction for it a table is faster than a shift by a variable; the loops have
   a copy of it behind their own tables, so that one register tells where both are. */
#if defined(__BMI2__) || !(defined(__x86_64__) || defined(__i386__))
#define TELEM_I_FILE_MASK(n) (((uint64_t)1 << (n)) - 1u)
#define TELEM_I_FILE_MASK_IN(behind, n) TELEM_I_FILE_MASK(n)
#define TELEM_I_FILE_MASKS_TO(behind)
#else
#define TELEM_I_FILE_MASK(n) telem_i_file_masks[n]
#define TELEM_I_FILE_MASK_IN(behind, n) telem_i_file_mask_in(behind, n)
#define TELEM_I_FILE_MASKS_TO(behind) memcpy(behind, telem_i_file_masks, sizeof telem_i_file_masks);
#define TELEM_I_FILE_M8(n) TELEM_I_FILE_M2(n), TELEM_I_FILE_M2((n) + 2), TELEM_I_FILE_M2((n) + 4), TELEM_I_FILE_M2((n) + 6)
#define TELEM_I_FILE_M2(n) ((uint64_t)1 << (n)) - 1u, ((uint64_t)2 << (n)) - 1u
static const uint64_t telem_i_file_masks[64] = {TELEM_I_FILE_M8(0),  TELEM_I_FILE_M8(8),  TELEM_I_FILE_M8(16), TELEM_I_FILE_M8(24),
                                                TELEM_I_FILE_M8(32), TELEM_I_FILE_M8(40), TELEM_I_FILE_M8(48), TELEM_I_FILE_M8(56)};
static inline uint64_t telem_i_file_mask_in(const void *behind, size_t n) {
    uint64_t m;
    memcpy(&m, (const uint8_t *)behind + sizeof m * n, sizeof m);
    return m;
}
#endif

typedef struct telem_i_file_symbol { /* what pushing a bin does to state x */
    uint32_t bits; /* (x + bits) >> 16 bits leave it */
    uint16_t go;   /* then it becomes next[(x >> those) + go], modulo 2^16 */
    uint8_t width;
    uint64_t low;
} telem_i_file_symbol;

typedef struct telem_i_file_encoder {
    telem_i_file_symbol symbol[TELEM_I_FILE_LEAVES];
    uint16_t next[TELEM_I_FILE_STATES];
} telem_i_file_encoder;

static void telem_i_file_encode_table(const telem_i_file_bins *b, telem_i_file_encoder *e) {
    uint32_t i, j, part, at = 0, state = 1u << b->log;
    for (i = 0; i < b->count; i++) {
        uint32_t f = b->freq[i], most = f > 1u ? b->log + 1u - telem_i_file_bit_length(f - 1u) : b->log;
        e->symbol[i].bits = (most << 16) - (f << most);
        e->symbol[i].go = (uint16_t)((at - f) & 0xFFFFu);
        e->symbol[i].low = b->lo[i];
        e->symbol[i].width = b->width[i];
        at += f;
    }
    for (part = 0; part < 2u; part++)
        for (i = 0, at = 0; i < b->count; at += b->freq[i++]) {
            uint16_t *next = e->next + at + (part ? b->freq[i] / 2u : 0u);
            uint32_t count = telem_i_file_half(b->freq[i], part);
            for (j = 0; j < count; j++) next[j] = (uint16_t)(state + j);
            state += count;
        }
}

/* The tree of bins, in preorder: 1 splits a node, 0 ends it, and its weight follows: a difference to the
   weight before, unary coded zigzag (0 = empty is told by a bit of its own). */
static void telem_i_file_put_weight(telem_i_file_bits *o, uint32_t q, uint32_t *before) {
    uint32_t d, k;
    if (!q) {
        telem_i_file_bits_put(o, 0, 1);
        return;
    }
    d = (uint32_t)telem_zigzag((int64_t)q - (int64_t)*before);
    k = d >> 2; /* at most 30 */
    telem_i_file_bits_put(o, (((uint64_t)2 << k) - 1u) | (uint64_t)(d & 3u) << (k + 2u), k + 4u);
    *before = q;
}
static uint32_t telem_i_file_get_weight(telem_i_file_bitr *in, uint32_t *before) {
    uint32_t d = 0;
    int64_t q;
    if (!telem_i_file_bits_get(in, 1)) return 0;
    while (telem_i_file_bits_get(in, 1))
        if ((d += 4) > 128) in->bad = 1; /* and the loop ends: a bad reader yields zeros or runs out */
    d += (uint32_t)telem_i_file_bits_get(in, 2);
    q = (int64_t)*before + telem_unzigzag(d);
    if (q < 1 || q > 63) {
        in->bad = 1;
        return 0;
    }
    return *before = (uint32_t)q;
}

/* A node's way down to the next leaf and its weight, bit by bit; the same out of one word where these are all
   in it. Returns the weight; the splits come off the width, below 0 is damage. */
static uint32_t telem_i_file_get_leaf_slow(telem_i_file_bitr *in, uint32_t *width, uint32_t *before) {
    while (telem_i_file_bits_get(in, 1))
        if (!(*width)--) in->bad = 1;
    return telem_i_file_get_weight(in, before);
}
static uint32_t telem_i_file_get_leaf(telem_i_file_bitr *in, uint32_t *width, uint32_t *before) {
    uint32_t splits, ones, q;
    uint64_t v;
    if (in->size - in->at < 72u) return telem_i_file_get_leaf_slow(in, width, before);
    v = telem_i_file_get64(in->p + (in->at >> 3)) >> (in->at & 7u);
    splits = telem_i_file_ones(v);
    if (splits > 16u || splits > *width) return telem_i_file_get_leaf_slow(in, width, before);
    v >>= splits + 1u;
    *width -= splits;
    in->at += splits + 2u;
    if (!(v & 1u)) return 0;
    ones = telem_i_file_ones(v >>= 1);
    q = 4u * ones + ((uint32_t)(v >> (ones + 1u)) & 3u);
    in->at += ones + 3u;
    q = *before + ((q >> 1) ^ (0u - (q & 1u)));
    if (ones > 32u || q - 1u > 62u) in->bad = 1;
    return *before = q;
}

static int telem_i_file_get_bins(telem_i_file_bitr *in, telem_i_file_bins *b) {
    uint32_t before = 32, width;
    uint64_t at = 0;
    b->log = 6u + (uint32_t)telem_i_file_bits_get(in, 3);
    b->top = (uint32_t)telem_i_file_bits_get(in, 7);
    b->count = b->wide = 0;
    if (in->bad || b->top > 64u || b->log > 11u) return 0;
    width = b->top;
    for (;;) { /* at is the next node's lowest value, width its size: what it is aligned to at most */
        uint32_t q = telem_i_file_get_leaf(in, &width, &before);
        if (in->bad) return 0;
        if (q) {
            if (b->count == TELEM_I_FILE_LEAVES) return 0;
            if (width > b->wide) b->wide = width;
            b->lo[b->count] = at;
            b->width[b->count] = (uint8_t)width;
            b->weight[b->count++] = (uint16_t)q;
        }
        while (width < b->top && (at >> width & 1u)) width++; /* a right child ends its parent too */
        if (width == b->top) break;
        at = ((at >> width) + 1u) << width;
    }
    if (!b->count || b->count > (1u << b->log) / 2u) return 0;
    telem_i_file_share_states(b);
    return 1;
}

/* --- fitting bins: cells of a histogram become leaves of a binary tree over [0, 2^top) --- */

typedef struct telem_i_file_grid { /* how residuals become u and u a cell */
    uint64_t base, most; /* the largest u, or a bound on it */
    int zigzag;          /* u = zigzag(r - base), else r - base */
    uint32_t fine;       /* 1 << fine cells to the octave; DIRECT: u is its own cell */
    uint32_t cells;
} telem_i_file_grid;
#define TELEM_I_FILE_DIRECT 64u

typedef struct telem_i_file_work {
    uint32_t hist[2 * TELEM_I_FILE_CLASSES];
    uint8_t leaf[TELEM_I_FILE_CLASSES];   /* width of the leaf that begins at this cell */
    uint8_t bin_of[TELEM_I_FILE_CLASSES]; /* cell to bin */
    uint32_t count[TELEM_I_FILE_LEAVES];
    int single; /* bins hold one number each */
    telem_i_file_bins bins;
    telem_i_file_encoder encoder;
} telem_i_file_work;

/* 0, then the octaves: those of less than 1 << fine numbers leave cells empty. */
static inline uint32_t telem_i_file_class_of(uint64_t u, uint32_t fine) {
    uint32_t t;
    if (!u || fine == TELEM_I_FILE_DIRECT) return (uint32_t)u;
    t = telem_i_file_bit_length(u) - 1u;
    return 1u + (t << fine) + ((uint32_t)(t >= fine ? u >> (t - fine) : u << (fine - t)) & ((1u << fine) - 1u));
}
static inline uint64_t telem_i_file_class_low(uint32_t c, uint32_t fine, uint32_t *width) {
    uint32_t t;
    *width = 0;
    if (!c || fine == TELEM_I_FILE_DIRECT) return c;
    t = (c - 1u) >> fine;
    c = 1u << fine | ((c - 1u) & ((1u << fine) - 1u));
    if (t < fine) return c >> (fine - t);
    *width = t - fine;
    return (uint64_t)c << *width;
}

typedef struct telem_i_file_node { /* a part of the tree that holds values */
    uint64_t lo, cost;           /* 1/256 bit */
    uint32_t cell, width, count; /* its first cell that is not empty */
} telem_i_file_node;

#define TELEM_I_FILE_EMPTY_COST 512u /* a leaf of weight zero */

static uint64_t telem_i_file_leaf_cost(uint32_t count, uint32_t width, uint32_t all, uint32_t meta) {
    return (uint64_t)count * (width * 256u + all - telem_i_file_log2(count)) + meta;
}

/* Makes the topmost node its own parent, together with its sibling: the node below it or an empty one. It
   becomes one leaf where that costs no more. Returns the new depth. */
static uint32_t telem_i_file_raise(telem_i_file_work *w, telem_i_file_node *stack, uint32_t depth, uint32_t all, uint32_t meta) {
    telem_i_file_node *a = &stack[depth - 1];
    uint64_t split = a->cost + TELEM_I_FILE_EMPTY_COST + 256u, leaf;
    if (depth > 1u && a[-1].width == a->width) {
        split += a[-1].cost - TELEM_I_FILE_EMPTY_COST;
        a[-1].count += a->count;
        a--;
        depth--;
    }
    a->lo &= ~((uint64_t)1 << a->width);
    a->width++;
    leaf = telem_i_file_leaf_cost(a->count, a->width, all, meta);
    if (w->single) leaf = UINT64_MAX;
    if (leaf <= split) w->leaf[a->cell] = (uint8_t)a->width;
    a->cost = leaf <= split ? leaf : split;
    return depth;
}

/* Fits the tree from its leaves up, cells in order. On the stack each node is the left child of a node that
   holds all those above. Returns the cost. */
static uint64_t telem_i_file_fit(telem_i_file_work *w, const telem_i_file_grid *g, uint32_t n, uint32_t meta) {
    telem_i_file_node stack[72];
    uint32_t cell, depth = 0, all = telem_i_file_log2(n);
    uint64_t last = 0;
    for (cell = 0; cell < g->cells; cell++) {
        telem_i_file_node *t;
        uint32_t width;
        uint64_t lo;
        if (!w->hist[cell]) continue;
        lo = telem_i_file_class_low(cell, g->fine, &width);
        while (depth && (stack[depth - 1].lo ^ lo) >> stack[depth - 1].width > 1u)
            depth = telem_i_file_raise(w, stack, depth, all, meta);
        t = &stack[depth++];
        t->lo = lo, t->width = width, t->cell = cell, t->count = w->hist[cell];
        t->cost = telem_i_file_leaf_cost(t->count, width, all, meta);
        w->leaf[cell] = (uint8_t)width;
        last = lo + (((uint64_t)1 << width) - 1u);
    }
    w->bins.top = telem_i_file_bit_length(last);
    while (depth > 1u || stack[0].width < w->bins.top) depth = telem_i_file_raise(w, stack, depth, all, meta);
    return stack[0].cost;
}

/* The leaves in order, as bins. 0: too many. */
static int telem_i_file_take_leaves(telem_i_file_work *w, const telem_i_file_grid *g) {
    telem_i_file_bins *b = &w->bins;
    uint32_t cell, own;
    uint64_t behind = 0; /* the last value of the last bin */
    b->count = b->wide = 0;
    for (cell = 0; cell < g->cells; cell++) {
        uint64_t lo;
        if (!w->hist[cell]) continue;
        lo = telem_i_file_class_low(cell, g->fine, &own);
        if (!b->count || lo > behind) {
            uint32_t width = w->leaf[cell];
            if (b->count == TELEM_I_FILE_LEAVES) return 0;
            if (width > b->wide) b->wide = width;
            lo = width < 64u ? lo >> width << width : 0;
            behind = lo + (telem_i_file_low(~(uint64_t)0, width));
            b->lo[b->count] = lo;
            b->width[b->count] = (uint8_t)width;
            w->count[b->count++] = 0;
        }
        w->bin_of[cell] = (uint8_t)(b->count - 1u);
        w->count[b->count - 1u] += w->hist[cell];
    }
    return 1;
}

static uint32_t telem_i_file_weigh(uint64_t count, uint32_t n, uint32_t log) { /* of a count: what share_states makes states of */
    uint32_t t = (uint32_t)(((count << (log + 4u)) + n / 2u) / n), e, m;
    t = t > 21u ? t - 16u : 5u;
    e = telem_i_file_bit_length(t) - 3u;
    m = (t + ((1u << e) >> 1)) >> e;
    return e * 4u + m - 4u;
}

/* Few values, each often enough: bins of one number cost hardly more and are read faster. */
static int telem_i_file_few_cells(const telem_i_file_work *w, const telem_i_file_grid *g, uint32_t n) {
    uint32_t i, count = 0;
    if (g->fine != TELEM_I_FILE_DIRECT || n < 1024u) return 0;
    for (i = 0; i < g->cells; i++) count += w->hist[i] != 0;
    return count <= TELEM_I_FILE_SINGLE && count * 32u <= n;
}

static uint64_t telem_i_file_plan_bins(telem_i_file_work *w, const telem_i_file_grid *g, uint32_t n) {
    telem_i_file_bins *b = &w->bins;
    uint32_t meta = 8u * 256u, i;
    uint64_t cost;
    w->single = telem_i_file_few_cells(w, g, n);
    do {
        cost = telem_i_file_fit(w, g, n, meta);
        meta *= 4u;
    } while (!telem_i_file_take_leaves(w, g));
    b->log = n >= 16384u ? 10u : n >= 2048u ? 9u : n >= 512u ? 8u : 7u;
    while ((1u << b->log) < 4u * b->count && b->log < 11u) b->log++;
    for (i = 0; i < b->count; i++) b->weight[i] = (uint16_t)telem_i_file_weigh(w->count[i], n, b->log);
    return cost;
}

static void telem_i_file_put_tree(telem_i_file_bits *o, const telem_i_file_bins *b) {
    uint32_t width = b->top, i = 0, before = 32;
    uint64_t at = 0;
    for (;;) { /* a node is empty when the next bin begins behind it, a leaf when that has its size */
        uint64_t behind = at + (width < 64u ? (uint64_t)1 << width : 0) - 1u;
        int empty = i == b->count || b->lo[i] > behind;
        if (!empty && b->width[i] < width) { /* splits down to where the bin begins or lies in the right half */
            telem_i_file_bits_put(o, 1, 1);
            width--;
            continue;
        }
        telem_i_file_bits_put(o, 0, 1);
        telem_i_file_put_weight(o, empty ? 0 : b->weight[i], &before);
        i += !empty;
        while (width < b->top && (at >> width & 1u)) width++;
        if (width == b->top) return;
        at = ((at >> width) + 1u) << width;
    }
}

static void telem_i_file_put_bins(telem_i_file_work *w, int zigzag, telem_i_file_bits *o) {
    telem_i_file_bits_put(o, zigzag ? 1 : 0, 1);
    telem_i_file_bits_put(o, w->bins.log - 6u, 3);
    telem_i_file_bits_put(o, w->bins.top, 7);
    telem_i_file_put_tree(o, &w->bins);
    telem_i_file_share_states(&w->bins);
    telem_i_file_encode_table(&w->bins, &w->encoder);
}

/* --- costs --- */

/* When entropy coding is worth its time: it takes 4 to 5 ns more for a value than packing (both ways together), and its
   tables and their planning as long as TABLES values. By level, `part`: 1/256 of what packing takes, that it must come
   down to; `price`: and below that, 1/256 bit for each value and for the tables. */
static const struct { uint8_t part, price; } telem_i_file_time[3] = {{230, 92}, {192, 225}, {254, 2}};
#define TELEM_I_FILE_TABLES 1536u

/* Is it worth a try? `doubt`: how far above the truth a sample's expectation may be; 0: it is rather below it. */
static int telem_i_file_promising(uint64_t expected, uint64_t bits, uint32_t doubt) {
    return doubt ? expected < bits + bits / doubt : expected < bits - bits / 8u;
}

typedef struct telem_i_file_plan { /* a predictor and what its residuals are expected to cost */
    uint32_t kind, lag;
    uint32_t binned; /* 1/256 bit per value */
    uint32_t half;   /* the median of the residuals' bit lengths */
} telem_i_file_plan;

/* Bits of a value of this bit length by a good entropy coder: the entropy of the lengths and the bits below
   the leading one. */
static uint32_t telem_i_file_entropy(const uint32_t *hist, uint32_t top, uint32_t total) {
    uint64_t sum = 0;
    uint32_t i, all = telem_i_file_log2(total), used = 0;
    if (!total) return 0;
    for (i = 0; i <= top; i++)
        if (hist[i]) {
            sum += (uint64_t)hist[i] * (all - telem_i_file_log2(hist[i]) + (i > 1 ? (i - 1u) * 256u : 0u));
            used++;
        }
    return (uint32_t)((sum + 128u * used) / total); /* half a bit a cell: what a sample flatters */
}

/* The cheapest width with the rest as exceptions. */
static uint32_t telem_i_file_best_width(const uint32_t *hist, uint32_t total, uint32_t top, uint32_t *cost) {
    uint32_t w = top, best = top, over = 0, least = total * top;
    while (w--) {
        uint32_t c;
        over += hist[w + 1];
        c = total * w + over * (12u + top - w) + 24u;
        if (c < least) least = c, best = w;
    }
    *cost = total ? (uint32_t)((uint64_t)least * 256u / total) : 0;
    return best;
}

#if defined(TELEM_I_FILE_V4)
/* Smallest and largest of n >= 16 signed numbers, four of each (ends[0..3], [4..7]). Pairs are put in order first: the
   chain through what was found so far is what takes the time. Returns how many were looked at. */
static uint32_t telem_i_file_ends4(const uint32_t *r, uint32_t n, int32_t *ends) {
    telem_i_file_s4 lo, hi, a, b, c, d, t;
    uint32_t i;
    memcpy(&lo, r, sizeof lo);
    hi = lo;
    for (i = 0; n - i >= 16u; i += 16u) {
        memcpy(&a, r + i, sizeof a);
        memcpy(&b, r + i + 4, sizeof b);
        memcpy(&c, r + i + 8, sizeof c);
        memcpy(&d, r + i + 12, sizeof d);
        t = (a ^ b) & (a > b);
        a ^= t, b ^= t; /* a <= b */
        t = (c ^ d) & (c > d);
        c ^= t, d ^= t;
        a ^= (a ^ c) & (a > c);
        b ^= (b ^ d) & (d > b);
        lo ^= (lo ^ a) & (lo > a);
        hi ^= (hi ^ b) & (b > hi);
    }
    memcpy(ends, &lo, sizeof lo);
    memcpy(ends + 4, &hi, sizeof hi);
    return i;
}
#endif

#define TELEM_I_FILE_W 32
#include "telem_file.h"
#undef TELEM_I_FILE_W
#define TELEM_I_FILE_W 64
#include "telem_file.h"
#undef TELEM_I_FILE_W


/* >>columns-numbers: front ends. What turns a column of numbers into integer streams, and back, to the bit.
   Scratch: c64 and bytes are ours over every call of ints*; the integer coder has the rest. */
#if defined(__FAST_MATH__)
#error "telem_file.h needs exact floating point: do not build it with -ffast-math"
#endif

enum { /* codecs of an item */
    TELEM_I_FILE_INTS32 = 2,
    TELEM_I_FILE_INTS64 = 3,
    TELEM_I_FILE_LATTICE32 = 4,
    TELEM_I_FILE_LATTICE64 = 5,
    TELEM_I_FILE_ORDERED = 6,
    TELEM_I_FILE_MULTIPLE = 8,
    TELEM_I_FILE_RANK = 9,
    TELEM_I_FILE_LZ4ED = 10,
    TELEM_I_FILE_PLANES = 11,
    TELEM_I_FILE_NARROW = 12
};
enum { /* MULTIPLE: how k becomes a value */
    TELEM_I_FILE_BY_TENS = 0,  /* k / (c * 10^e) */
    TELEM_I_FILE_BY_POWER = 1, /* k * 2^j */
    TELEM_I_FILE_BY_F32 = 2,   /* k * base */
    TELEM_I_FILE_BY_F64 = 3,
    TELEM_I_FILE_EXCEPTIONS = 0x20,
    TELEM_I_FILE_ULPS = 0x40
};
/* bits of codec.off */
#define TELEM_I_FILE_OFF_NUM_LATTICE   ((uint64_t)1 << 32)
#define TELEM_I_FILE_OFF_DECIMAL       ((uint64_t)1 << 33)
#define TELEM_I_FILE_OFF_RATIONAL      ((uint64_t)1 << 35)
#define TELEM_I_FILE_OFF_POWER         ((uint64_t)1 << 36)
#define TELEM_I_FILE_OFF_BASE          ((uint64_t)1 << 37)
#define TELEM_I_FILE_OFF_ULPS          ((uint64_t)1 << 38)
#define TELEM_I_FILE_OFF_RANK          ((uint64_t)1 << 39)
#define TELEM_I_FILE_OFF_WHOLE_LZ4     ((uint64_t)1 << 40)
#define TELEM_I_FILE_OFF_NARROW        ((uint64_t)1 << 42)
#define TELEM_I_FILE_OFF_EXCEPTIONS    ((uint64_t)1 << 43)
#define TELEM_I_FILE_OFF_BYTES         ((uint64_t)1 << 44)
#define TELEM_I_FILE_NUM_CHUNK 256u        /* values that go through a loop's buffers at a time */
#define TELEM_I_FILE_NUM_MAGIC 0x4338000000000000u /* bits of 1.5 * 2^52: the sum with k, |k| <= 2^51, has its bits plus k */
#define TELEM_I_FILE_NUM_LIMIT ((uint64_t)1 << 51)  /* |k| is below it */
#define TELEM_I_FILE_MAX_RANKS 2048u

static const double telem_i_file_tens[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* --- arithmetic: one product or quotient, rounded once to f64 ---
   Where the machine computes with more (x87), it is done on the bits. Both give the same for what may
   come: k an integer below 2^51, the other a normal number of 2^-500 .. 2^500. */
#if !defined(TELEM_I_FILE_SOFT)
#if defined(__FLT_EVAL_METHOD__)
#if __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 1
#define TELEM_I_FILE_SOFT 1
#endif
#endif
#endif
#if !defined(TELEM_I_FILE_SOFT)
#define TELEM_I_FILE_SOFT 0
#endif

/* top: 1.x in 2^63..2^64-1 with the bits lost behind it ORed into the lowest; value = top * 2^(e - 63) */
static uint64_t telem_i_file_round_f64(uint64_t sign, int e, uint64_t top) {
    uint64_t m = top >> 11, rest = top & 0x7FFu;
    if (rest > 0x400u || (rest == 0x400u && (m & 1u))) m++;
    return (sign | (uint64_t)(e + 1022) << 52) + m; /* a carry makes the exponent one more, as it should */
}

TELEM_UNUSED static uint64_t telem_i_file_soft_times(uint64_t a, uint64_t b) {
    uint64_t sign = (a ^ b) & 0x8000000000000000u, x, y, mid, high, low;
    int e;
    if (!(a << 1) || !(b << 1)) return sign;
    e = (int)(a >> 52 & 0x7FFu) + (int)(b >> 52 & 0x7FFu) - 2046;
    x = (a & 0xFFFFFFFFFFFFFu) | 0x10000000000000u;
    y = ((b & 0xFFFFFFFFFFFFFu) | 0x10000000000000u) << 11; /* 53 + 64 bits */
    mid = (x & 0xFFFFFFFFu) * (y & 0xFFFFFFFFu);
    low = mid & 0xFFFFFFFFu;
    mid = (mid >> 32) + (x >> 32) * (y & 0xFFFFFFFFu);
    high = (x >> 32) * (y >> 32) + (mid >> 32);
    mid = (mid & 0xFFFFFFFFu) + (x & 0xFFFFFFFFu) * (y >> 32);
    high += mid >> 32;
    low |= mid << 32; /* high:low = x * y, high in 2^51..2^53-1 */
    high = high << 11 | low >> 53;
    low <<= 11;
    if (high >> 63) e++;
    else high = high << 1 | low >> 63, low <<= 1;
    return telem_i_file_round_f64(sign, e, high | (low != 0));
}

TELEM_UNUSED static uint64_t telem_i_file_soft_over(uint64_t a, uint64_t b) {
    uint64_t sign = (a ^ b) & 0x8000000000000000u, x, y, q = 0;
    int e, i;
    if (!(a << 1)) return sign;
    e = (int)(a >> 52 & 0x7FFu) - (int)(b >> 52 & 0x7FFu);
    x = (a & 0xFFFFFFFFFFFFFu) | 0x10000000000000u;
    y = (b & 0xFFFFFFFFFFFFFu) | 0x10000000000000u;
    if (x < y) x <<= 1, e--;
    for (i = 0; i < 64; i++) { /* x < 2 y */
        q <<= 1;
        if (x >= y) x -= y, q |= 1u;
        x <<= 1;
    }
    return telem_i_file_round_f64(sign, e, q | (x != 0));
}

enum { TELEM_I_FILE_NUM_EXACT, TELEM_I_FILE_NUM_FLOAT, TELEM_I_FILE_NUM_NEAR }; /* ways, see reals32 */
typedef struct telem_i_file_num_base {
    double v, high, low;
    float f;
    uint8_t divide, way;
} telem_i_file_num_base;

/* r[i] = k[i] * base or k[i] / base */
static void telem_i_file_apply(double *r, const double *k, uint32_t n, const telem_i_file_num_base *b) {
    uint32_t i;
#if TELEM_I_FILE_SOFT
    uint64_t x, y;
    memcpy(&y, &b->v, 8);
    for (i = 0; i < n; i++) {
        memcpy(&x, k + i, 8);
        x = b->divide ? telem_i_file_soft_over(x, y) : telem_i_file_soft_times(x, y);
        memcpy(r + i, &x, 8);
    }
#else
    double v = b->v;
    if (b->divide)
        for (i = 0; i < n; i++) r[i] = k[i] / v;
    else
        for (i = 0; i < n; i++) r[i] = k[i] * v;
#endif
}

/* k as numbers; what is not below 2^51 in magnitude is told by a bit other than 0 in the answer */
static uint64_t telem_i_file_from_ints(double *r, const uint64_t *k, uint32_t n) {
    double magic;
    uint64_t m = TELEM_I_FILE_NUM_MAGIC, wide = 0, x;
    uint32_t i;
    memcpy(&magic, &m, 8);
    for (i = 0; i < n; i++) {
        wide |= (k[i] + TELEM_I_FILE_NUM_LIMIT) >> 52;
        x = k[i] + TELEM_I_FILE_NUM_MAGIC;
        memcpy(r + i, &x, 8);
        r[i] -= magic; /* exact */
    }
    return wide;
}
/* f64 that are exact f32. NaN by the bits: the machine would quieten it. */
static uint64_t telem_i_file_widen(uint32_t b) {
    float f;
    double d;
    uint64_t x, nan = (uint64_t)(b & 0x80000000u) << 32 | 0x7FF0000000000000u | (uint64_t)(b & 0x7FFFFFu) << 29;
    uint32_t finite = (b & 0x7F800000u) != 0x7F800000u ? b : 0;
    memcpy(&f, &finite, 4);
    d = f;
    memcpy(&x, &d, 8);
    return (b & 0x7F800000u) != 0x7F800000u ? x : nan;
}
static void telem_i_file_widen_all(const uint32_t *b, uint32_t n, uint64_t *to) {
    uint32_t i, odd = 0;
    for (i = 0; i < n; i++) odd |= (uint32_t)((b[i] & 0x7F800000u) == 0x7F800000u);
    for (i = 0; !odd && i < n; i++) { /* a loop that vectorises */
        float f;
        double d;
        memcpy(&f, b + i, 4);
        d = f;
        memcpy(to + i, &d, 8);
    }
    for (i = 0; odd && i < n; i++) to[i] = telem_i_file_widen(b[i]);
}
/* the f32 of these bits, if any that is normal, zero, infinite or NaN; else 0 */
static int telem_i_file_narrows(uint64_t x, uint32_t *to) {
    uint32_t e = (uint32_t)(x >> 52 & 0x7FFu), s = (uint32_t)(x >> 63) << 31, m = (uint32_t)(x >> 29 & 0x7FFFFFu);
    if (x & 0x1FFFFFFFu) return 0;
    if (e == 0x7FFu) *to = s | 0x7F800000u | m;
    else if (!(x << 1)) *to = s;
    else if (e < 897u || e > 1150u) return 0;
    else *to = s | (e - 896u) << 23 | m;
    return 1;
}

/* --- a column as the encoder sees it --- */

typedef struct telem_i_file_num_view {
    const uint8_t *p;
    uint32_t n;
    uint8_t width, type;
} telem_i_file_num_view;

static uint64_t telem_i_file_view_bits(const telem_i_file_num_view *s, uint32_t i) {
    const uint8_t *p = s->p + (size_t)i * s->width;
    uint64_t v;
    uint32_t w;
    uint16_t h;
    switch (s->width) {
    case 1: return *p;
    case 2: memcpy(&h, p, 2); return h;
    case 4: memcpy(&w, p, 4); return w;
    default: memcpy(&v, p, 8); return v;
    }
}

static int telem_i_file_signed_type(uint8_t type) { return type >= TELEM_I8 && type <= TELEM_I64; }


/* --- integers as integers --- */

/* 32-bit two's complement of a column of at most 32 bits */
static void telem_i_file_load32(const telem_i_file_num_view *s, uint32_t *to) {
    uint32_t i, n = s->n;
    const uint8_t *p = s->p;
    uint16_t h;
    switch (s->width * 2 + telem_i_file_signed_type(s->type)) {
    case 2: for (i = 0; i < n; i++) to[i] = p[i]; break;
    case 3: for (i = 0; i < n; i++) to[i] = (p[i] ^ 0x80u) - 0x80u; break;
    case 4:
        for (i = 0; i < n; i++) {
            memcpy(&h, p + 2 * (size_t)i, 2);
            to[i] = h;
        }
        break;
    case 5:
        for (i = 0; i < n; i++) {
            memcpy(&h, p + 2 * (size_t)i, 2);
            to[i] = ((uint32_t)h ^ 0x8000u) - 0x8000u;
        }
        break;
    default: memcpy(to, p, (size_t)n * 4);
    }
}

static void telem_i_file_store32(const uint32_t *from, uint32_t n, uint32_t width, uint8_t *p) {
    uint32_t i;
    if (width == 4) memcpy(p, from, (size_t)n * 4);
    else if (width == 1)
        for (i = 0; i < n; i++) p[i] = (uint8_t)from[i];
    else
        for (i = 0; i < n; i++) {
            uint16_t h = (uint16_t)from[i];
            memcpy(p + 2 * (size_t)i, &h, 2);
        }
}

static uint64_t telem_i_file_gcd(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}
static uint32_t telem_i_file_gcd_small(uint32_t a, uint32_t b) {
    while (b) {
        uint32_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

static uint64_t telem_i_file_magnitude(uint64_t d) { return d >> 63 ? (uint64_t)0 - d : d; }
static uint64_t telem_i_file_sign32(uint32_t v) { return ((uint64_t)v ^ 0x80000000u) - 0x80000000u; }

/* The greatest common divisor of what a sample differs by from the first; 0: all equal. */
static uint64_t telem_i_file_gcd64(const uint64_t *v, uint32_t n) {
    uint32_t i, step = n < 256 ? n / 16u + 1u : n < 1024 ? 16u : n / 64u;
    uint64_t g = telem_i_file_magnitude(v[n - 1u] - v[0]);
    for (i = 1; i < n && g != 1; i += step) g = telem_i_file_gcd(telem_i_file_magnitude(v[i] - v[0]), g);
    return g;
}
static uint32_t telem_i_file_gcd32(const uint32_t *v, uint32_t n) {
    uint32_t i, step = n < 256 ? n / 16u + 1u : n < 1024 ? 16u : n / 64u, g = 0, first = v[0] ^ 0x80000000u, x = v[n - 1u];
    for (i = 1; g != 1; x = v[i], i += step) {
        x ^= 0x80000000u;
        g = telem_i_file_gcd_small(x > first ? x - first : first - x, g);
        if (i >= n) break;
    }
    return g;
}

/* v = least + g * q; answers 0 and leaves v as it was when that does not hold. Division by g is a shift and the product
   with the inverse of its odd part, exact or else beyond span / g. */
static int telem_i_file_divide64(uint64_t *v, uint32_t n, uint64_t least, uint64_t span, uint64_t g) {
    uint64_t odd = g, inverse, most = span / g, bad = 0;
    uint32_t i, shift = 0;
    while (!(odd & 1u)) odd >>= 1, shift++;
    inverse = odd * 3u ^ 2u; /* 5 bits right, each step doubles them */
    for (i = 0; i < 4; i++) inverse *= 2u - odd * inverse;
    for (i = 0; i < n; i++) {
        uint64_t d = v[i] - least, q = (d >> shift) * inverse;
        bad |= (uint64_t)(q > most) | (d & (((uint64_t)1 << shift) - 1u));
    }
    if (bad) return 0;
    for (i = 0; i < n; i++) v[i] = ((v[i] - least) >> shift) * inverse;
    return 1;
}
static int telem_i_file_divide32(uint32_t *v, uint32_t n, uint32_t least, uint32_t span, uint32_t g) {
    uint32_t odd = g, inverse, most = span / g, bad = 0, i, shift = 0, low;
    while (!(odd & 1u)) odd >>= 1, shift++;
    low = ((uint32_t)1 << shift) - 1u;
    inverse = odd * 3u ^ 2u;
    for (i = 0; i < 3; i++) inverse *= 2u - odd * inverse;
    for (i = 0; i < n; i++) {
        uint32_t d = v[i] - least, q = (d >> shift) * inverse;
        bad |= (uint32_t)(q > most) | (d & low);
    }
    if (bad) return 0;
    for (i = 0; i < n; i++) v[i] = ((v[i] - least) >> shift) * inverse;
    return 1;
}

static void telem_i_file_span64(const uint64_t *v, uint32_t n, int64_t *least, int64_t *most) {
    int64_t lo = INT64_MAX, hi = INT64_MIN;
    uint32_t i;
    for (i = 0; i < n; i++) {
        int64_t x;
        memcpy(&x, v + i, 8);
        lo = x < lo ? x : lo;
        hi = x > hi ? x : hi;
    }
    *least = lo;
    *most = hi;
}
static void telem_i_file_span32(const uint32_t *v, uint32_t n, int32_t *least, int32_t *most) { /* n >= 1 */
    uint32_t lo, hi;
    telem_i_file_range32(v, n, &lo, &hi);
    memcpy(least, &lo, 4);
    memcpy(most, &hi, 4);
}

static void telem_i_file_shorten(uint64_t *v, uint64_t less, uint32_t n) { /* in place: the low halves, `less` taken off */
    uint8_t *p = (uint8_t *)v;
    uint32_t i, j, m, part[TELEM_I_FILE_NUM_CHUNK];
    for (i = 0; i < n; i += m) {
        m = n - i < TELEM_I_FILE_NUM_CHUNK ? n - i : TELEM_I_FILE_NUM_CHUNK;
        for (j = 0; j < m; j++) part[j] = (uint32_t)(v[i + j] - less);
        memcpy(p + 4 * (size_t)i, part, (size_t)m * 4);
    }
}

static uint8_t *telem_i_file_put_lattice(int64_t o, uint64_t g, uint8_t *p, const uint8_t *end) {
    p = telem_i_file_put_varint(p, end, telem_zigzag(o));
    return telem_i_file_put_varint(p, end, g);
}

/* n 32-bit integers at v, each standing for o more; as INTS32 (o = 0) or LATTICE32. v is changed. */
static uint8_t *telem_i_file_put_ints32(telem_i_file_codec *k, uint32_t *choice, uint32_t *v, uint32_t n, int64_t o, uint32_t *kind,
                                        uint8_t *p, const uint8_t *end) {
    size_t len;
    uint32_t g = 1, i;
    int32_t lo = 0, hi = 0;
    *kind = TELEM_I_FILE_INTS32;
    if (!(k->off & TELEM_I_FILE_OFF_NUM_LATTICE)) g = telem_i_file_gcd32(v, n);
    if (g > 1 || o) {
        telem_i_file_span32(v, n, &lo, &hi);
        if (g < 2 || !telem_i_file_divide32(v, n, (uint32_t)lo, (uint32_t)hi - (uint32_t)lo, g)) g = 1;
    }
    if (g > 1 || o) {
        if (g == 1 && o + lo >= INT32_MIN && o + hi <= INT32_MAX)
            for (i = 0; i < n; i++) v[i] += (uint32_t)o;
        else {
            if (g == 1)
                for (i = 0; i < n; i++) v[i] -= (uint32_t)lo;
            *kind = TELEM_I_FILE_LATTICE32;
            p = telem_i_file_put_lattice(o + lo, g, p, end);
        }
    }
    if (!p) return NULL;
    len = telem_i_file_ints32_encode(k, choice, v, n, p, (size_t)(end - p));
    return len ? p + len : NULL;
}

/* Are all within 2^30 of the first? */
static int telem_i_file_is_near(const uint64_t *v, uint32_t n) {
    uint64_t first = v[0] - 0x40000000u, apart = 0;
    uint32_t i;
    for (i = 0; i < n; i++) apart |= v[i] - first;
    return apart >> 31 == 0;
}

/* n 64-bit integers in c64, as the kind that suits; INTS32 + 0..3 */
static uint8_t *telem_i_file_put_ints64(telem_i_file_codec *k, uint32_t *choice, uint32_t n, uint32_t *kind, uint8_t *p, const uint8_t *end) {
    uint64_t *v = k->c64, g, span;
    int64_t lo, hi;
    size_t len;
    if (telem_i_file_is_near(v, n) && telem_i_signed(v[0]) < INT64_MAX / 2 && telem_i_signed(v[0]) > INT64_MIN / 2) {
        int64_t o = telem_i_signed(v[0]);
        if (o >= -0x3FFFFFFF && o <= 0x3FFFFFFF) o = 0; /* all are of 32 bits */
        telem_i_file_shorten(v, (uint64_t)o, n);
        return telem_i_file_put_ints32(k, choice, (uint32_t *)(void *)v, n, o, kind, p, end);
    }
    g = k->off & TELEM_I_FILE_OFF_NUM_LATTICE ? 1u : telem_i_file_gcd64(v, n);
    telem_i_file_span64(v, n, &lo, &hi);
    span = (uint64_t)hi - (uint64_t)lo;
    if (g < 2 || !telem_i_file_divide64(v, n, (uint64_t)lo, span, g)) g = 1;
    *kind = g > 1 ? TELEM_I_FILE_LATTICE64 : TELEM_I_FILE_INTS64;
    if (g < (uint64_t)1 << 32 && span / g < (uint64_t)1 << 32) {
        telem_i_file_shorten(v, g == 1 ? (uint64_t)lo : 0, n);
        *kind = TELEM_I_FILE_LATTICE32;
    }
    if (*kind >= TELEM_I_FILE_LATTICE32) p = telem_i_file_put_lattice(lo, g, p, end);
    if (!p) return NULL;
    if (*kind == TELEM_I_FILE_LATTICE32)
        len = telem_i_file_ints32_encode(k, choice, (const uint32_t *)(const void *)v, n, p, (size_t)(end - p));
    else len = telem_i_file_ints64_encode(k, choice, v, n, p, (size_t)(end - p));
    return len ? p + len : NULL;
}

/* What comes back of these: u holds a stream of 32 bits or v one of 64, a value is o + g times it. */
typedef struct telem_i_file_num_back {
    const uint32_t *u; /* or NULL */
    uint64_t *v;
    uint64_t o, g;
    uint32_t kind;
} telem_i_file_num_back;

static int telem_i_file_get_ints(telem_i_file_codec *k, uint32_t kind, const uint8_t *p, const uint8_t *end, uint32_t n, telem_i_file_num_back *b) {
    uint64_t z = 0;
    b->kind = kind;
    b->v = k->c64;
    b->u = kind == TELEM_I_FILE_INTS32 || kind == TELEM_I_FILE_LATTICE32 ? (uint32_t *)(void *)k->c64 : NULL;
    b->o = 0;
    b->g = 1;
    if (kind >= TELEM_I_FILE_LATTICE32) {
        p = telem_i_file_get_varint(p, end, &z);
        p = telem_i_file_get_varint(p, end, &b->g);
        if (!p || b->g == 0 || (kind == TELEM_I_FILE_LATTICE32 && b->g >> 32)) return 0;
        b->o = (uint64_t)telem_unzigzag(z);
    }
    if (b->u) return telem_i_file_ints32_decode(k, p, (size_t)(end - p), n, (uint32_t *)(void *)k->c64);
    return telem_i_file_ints64_decode(k, p, (size_t)(end - p), n, k->c64);
}

/* m of the values from `at` on as 64 bits */
static void telem_i_file_back64(const telem_i_file_num_back *b, uint32_t at, uint32_t m, uint64_t *to) {
    uint64_t o = b->o, g = b->g;
    uint32_t i;
    if (b->kind == TELEM_I_FILE_INTS32)
        for (i = 0; i < m; i++) to[i] = telem_i_file_sign32(b->u[at + i]);
    else if (b->kind == TELEM_I_FILE_INTS64) memcpy(to, b->v + at, (size_t)m * 8);
    else if (b->u) {
        uint32_t g32 = (uint32_t)g;
        for (i = 0; i < m; i++) to[i] = o + (uint64_t)b->u[at + i] * g32;
    } else
        for (i = 0; i < m; i++) to[i] = o + b->v[at + i] * g;
}

/* All of them, native, to where a column of 64 bits lies. */
static void telem_i_file_back_all(const telem_i_file_num_back *b, uint32_t n, uint8_t *to) {
    const uint64_t o = b->o, g = b->g;
    const uint32_t *u = b->u;
    uint64_t x;
    uint32_t i;
    if (b->kind == TELEM_I_FILE_INTS32)
        for (i = 0; i < n; i++) {
            x = telem_i_file_sign32(u[i]);
            memcpy(to + 8 * (size_t)i, &x, 8);
        }
    else if (u && g == 1u)
        for (i = 0; i < n; i++) {
            x = o + u[i];
            memcpy(to + 8 * (size_t)i, &x, 8);
        }
    else if (u)
        for (i = 0; i < n; i++) {
            x = o + (uint64_t)u[i] * (uint32_t)g;
            memcpy(to + 8 * (size_t)i, &x, 8);
        }
    else
        for (i = 0; i < n; i++) {
            x = o + b->v[i] * g;
            memcpy(to + 8 * (size_t)i, &x, 8);
        }
}

/* --- MULTIPLE --- */

typedef struct telem_i_file_num_front { /* what was chosen for a column */
    uint8_t codec, form, e, ulps;
    uint16_t c;
    uint16_t most;  /* exceptions in 65,536 that are worth it */
    uint8_t wide;   /* k of more than 32 bits */
    telem_i_file_num_base base;
    uint32_t cost;  /* 1/16 bit per value */
} telem_i_file_num_front;

static double telem_i_file_power(int j) { /* 2^j, -500 <= j <= 500 */
    uint64_t b = (uint64_t)(j + 1023) << 52;
    double d;
    memcpy(&d, &b, 8);
    return d;
}

/* The quicker ways to the same bits (see reals32). NEAR: 1/v as high + low, high of 26 bits. */
static void telem_i_file_set_way(telem_i_file_num_base *b, uint32_t width) {
    b->way = TELEM_I_FILE_NUM_EXACT;
#if !TELEM_I_FILE_SOFT
    if (!b->divide) return;
    if (width == 4 && (double)(float)b->v == b->v) {
        b->f = (float)b->v;
        b->way = TELEM_I_FILE_NUM_FLOAT;
    } else if (width == 8 && b->v < 4194304.0) {
        uint64_t x;
        b->high = 1.0 / b->v;
        memcpy(&x, &b->high, 8);
        x = (x + ((uint64_t)1 << 26)) & ~(((uint64_t)1 << 27) - 1u);
        memcpy(&b->high, &x, 8);
        b->low = b->high * b->v; /* exact: 26 and 22 bits */
        b->low = (1.0 - b->low) / b->v;
        b->way = TELEM_I_FILE_NUM_NEAR;
    }
#else
    (void)width;
#endif
}

/* What a front multiplies by or divides by; 0: out of range. */
static int telem_i_file_set_base(telem_i_file_num_front *f, uint32_t width) {
    uint64_t b;
    uint32_t e, room = width == 8 ? 500 : 60;
    f->base.divide = 0;
    switch (f->form) {
    case TELEM_I_FILE_BY_TENS:
        if (f->e > 22 || f->c == 0) return 0;
        if (f->e > 15 && f->c != 1) return 0; /* c * 10^e stays exact: 10^15 = 5^15 * 2^15, 5^15 < 2^35 */
        f->base.v = f->c == 1 ? telem_i_file_tens[f->e] : (double)f->c * telem_i_file_tens[f->e];
        f->base.divide = 1;
        telem_i_file_set_way(&f->base, width);
        return 1;
    case TELEM_I_FILE_BY_POWER: f->base.v = telem_i_file_power((int)f->e - 128); break;
    default: break;
    }
    f->base.way = TELEM_I_FILE_NUM_EXACT;
    memcpy(&b, &f->base.v, 8);
    e = (uint32_t)(b >> 52); /* sign included */
    return e >= 1023u - (width == 8 ? 500u : 100u) && e < 1023u + room;
}

/* A chunk of values, native */
typedef union telem_i_file_num_chunk {
    double d[TELEM_I_FILE_NUM_CHUNK];
    float f[TELEM_I_FILE_NUM_CHUNK];
    uint64_t u[TELEM_I_FILE_NUM_CHUNK];
    uint32_t w[TELEM_I_FILE_NUM_CHUNK];
} telem_i_file_num_chunk;

/* The values that k stand for. kd is overwritten. */
static void telem_i_file_reals(const telem_i_file_num_base *b, uint32_t width, double *kd, uint32_t m, telem_i_file_num_chunk *r) {
    uint32_t i;
    if (width == 8) {
        telem_i_file_apply(r->d, kd, m, b);
        return;
    }
    telem_i_file_apply(kd, kd, m, b);
    for (i = 0; i < m; i++) r->f[i] = (float)kd[i];
}

/* The same for k of 32 bits. Way FLOAT: |k| < 2^24 and D are floats, their quotient in f32 is the one in f64 rounded once
   more (53 >= 2 * 24 + 2). Way NEAR: |k| < 2^26, D < 2^22. k * high is exact; k * high + k * low is k / D but for a part in
   2^76, while k / D keeps 2^-54 / D from what is halfway between two f64 (it cannot lie there), so the sum is rounded to
   the same one; contracted into an FMA or not. */
static void telem_i_file_reals32(const telem_i_file_num_base *b, uint32_t width, const uint32_t *k, uint32_t m, uint8_t *to) {
    const int32_t *s = (const int32_t *)(const void *)k;
    double kd[TELEM_I_FILE_NUM_CHUNK];
    telem_i_file_num_chunk r;
    uint32_t i, apart = 0;
#if !TELEM_I_FILE_SOFT
    if (b->way == TELEM_I_FILE_NUM_FLOAT) {
        float f = b->f;
        for (i = 0; i < m; i++) {
            float v = (float)s[i] / f;
            apart |= k[i] + (1u << 24);
            memcpy(to + 4 * (size_t)i, &v, 4);
        }
        if (!(apart >> 25)) return;
    } else if (b->way == TELEM_I_FILE_NUM_NEAR) {
        double high = b->high, low = b->low;
        for (i = 0; i < m; i++) {
            double v = (double)s[i] * high + (double)s[i] * low;
            apart |= k[i] + (1u << 26);
            memcpy(to + 8 * (size_t)i, &v, 8);
        }
        if (!(apart >> 27)) return;
    }
#else
    (void)apart;
#endif
#if !TELEM_I_FILE_SOFT
    if (!b->divide) {
        double v = b->v;
        if (width == 8)
            for (i = 0; i < m; i++) {
                double d = s[i] * v;
                memcpy(to + 8 * (size_t)i, &d, 8);
            }
        else
            for (i = 0; i < m; i++) {
                float d = (float)(s[i] * v);
                memcpy(to + 4 * (size_t)i, &d, 4);
            }
        return;
    }
#endif
    kd[0] = 0; /* gcc cannot see that m is not */
    for (i = 0; i < m; i++) kd[i] = s[i];
    telem_i_file_reals(b, width, kd, m, &r);
    memcpy(to, &r, (size_t)m * width);
}

static void telem_i_file_load_reals(const telem_i_file_num_view *s, uint32_t at, uint32_t m, double *v) {
    const uint8_t *p = s->p + (size_t)at * s->width;
    uint32_t i;
    if (s->width == 8) memcpy(v, p, (size_t)m * 8);
    else
        for (i = 0; i < m; i++) {
            float f;
            memcpy(&f, p + 4 * (size_t)i, 4);
            v[i] = f;
        }
}

/* v times inverse, rounded to integers below 2^51; anything for others */
static void telem_i_file_whole64(const double *v, uint32_t m, double inverse, uint64_t *ks) {
    double magic;
    uint64_t bits = TELEM_I_FILE_NUM_MAGIC;
    uint32_t i;
    memcpy(&magic, &bits, 8);
    for (i = 0; i < m; i++) {
        double t = v[i] * inverse + magic; /* contracted or not: what comes of k is compared */
        uint64_t x;
        memcpy(&x, &t, 8);
        ks[i] = x - TELEM_I_FILE_NUM_MAGIC;
    }
}
static void telem_i_file_whole32(const uint8_t *p, uint32_t width, uint32_t m, double inverse, uint32_t *ks) {
    double magic;
    uint64_t bits = TELEM_I_FILE_NUM_MAGIC; /* its low half is 0 */
    uint32_t i;
    memcpy(&magic, &bits, 8);
    if (width == 8)
        for (i = 0; i < m; i++) {
            double v, t;
            uint64_t x;
            memcpy(&v, p + 8 * (size_t)i, 8);
            t = v * inverse + magic;
            memcpy(&x, &t, 8);
            ks[i] = (uint32_t)x;
        }
    else
        for (i = 0; i < m; i++) {
            float v;
            double t;
            uint64_t x;
            memcpy(&v, p + 4 * (size_t)i, 4);
            t = v * inverse + magic;
            memcpy(&x, &t, 8);
            ks[i] = (uint32_t)x;
        }
}

/* Values to k, those that are no multiples taken out. */
typedef struct telem_i_file_num_split {
    uint32_t wild, kept, last; /* exceptions, others, the row behind the last exception */
    uint32_t off;              /* of the others: not the multiple itself, but a few ulps away */
    uint32_t limit;            /* exceptions that are too many */
    uint32_t *ulps, *gaps;
    uint8_t *bits;             /* of exceptions, as codec 6 has them */
} telem_i_file_num_split;

static double telem_i_file_inverse(const telem_i_file_num_base *b) { return b->divide ? b->v : 1.0 / b->v; }

/* One value that is not what its k makes. 1: it stays, with its ulps. */
static int telem_i_file_stray(telem_i_file_num_split *t, const telem_i_file_num_view *s, uint32_t at, uint64_t made, int fits, uint32_t reach) {
    uint64_t x = telem_i_file_view_bits(s, at), d = x - made;
    if (s->width == 4) d = telem_i_file_sign32((uint32_t)d);
    if (fits && d + reach <= 2u * (uint64_t)reach) {
        t->off += d != 0;
        if (reach) t->ulps[t->kept] = (uint32_t)d;
        return 1;
    }
    x = telem_i_file_order(x, s->width);
    if (s->width == 8) memcpy(t->bits + 8 * (size_t)t->wild, &x, 8);
    else {
        uint32_t w = (uint32_t)x;
        memcpy(t->bits + 4 * (size_t)t->wild, &w, 4);
    }
    t->gaps[t->wild++] = at - t->last;
    t->last = at + 1u;
    return 0;
}

/* m values of 64 bits that all lie within `reach` ulps of what was made: their ulps. Else 0, and nothing is changed that counts. */
static int telem_i_file_all_stay(telem_i_file_num_split *t, const uint8_t *p, const uint64_t *made, uint32_t m, uint32_t reach) {
    uint32_t i, off = 0, *to = t->ulps + t->kept;
    uint64_t beyond = 0;
    for (i = 0; i < m; i++) {
        uint64_t x, d;
        memcpy(&x, p + 8u * (size_t)i, 8);
        d = x - made[i];
        beyond |= (d + reach) & ~(uint64_t)255u; /* 2 * reach is 128 */
        beyond |= (uint64_t)((uint32_t)(d + reach) > 2u * reach);
        off += d != 0;
        to[i] = (uint32_t)d;
    }
    if (beyond) return 0;
    t->off += off;
    t->kept += m;
    return 1;
}

/* All to the front of c64, as 32 or as 64 bits. 0: too many exceptions. */
static int telem_i_file_split32(const telem_i_file_num_view *s, const telem_i_file_num_front *f, telem_i_file_num_split *t, uint32_t *ks) {
    double inverse = telem_i_file_inverse(&f->base);
    telem_i_file_num_chunk r;
    uint32_t i, j, m;
    for (i = 0; i < s->n; i += m) {
        const uint8_t *p = s->p + (size_t)i * s->width;
        uint32_t *part = ks + t->kept;
        m = s->n - i < TELEM_I_FILE_NUM_CHUNK ? s->n - i : TELEM_I_FILE_NUM_CHUNK;
        telem_i_file_whole32(p, s->width, m, inverse, part);
        telem_i_file_reals32(&f->base, s->width, part, m, (uint8_t *)&r);
        if (memcmp(&r, p, (size_t)m * s->width) == 0) {
            if (f->ulps) memset(t->ulps + t->kept, 0, (size_t)m * 4);
            t->kept += m;
            continue;
        }
        for (j = 0; j < m; j++) {
            ks[t->kept] = part[j];
            if (t->wild == t->limit) return 0;
            t->kept += (uint32_t)telem_i_file_stray(t, s, i + j, s->width == 8 ? r.u[j] : r.w[j], 1, f->ulps);
        }
    }
    return 1;
}

static int telem_i_file_split64(const telem_i_file_num_view *s, const telem_i_file_num_front *f, telem_i_file_num_split *t, uint64_t *ks) {
    double v[TELEM_I_FILE_NUM_CHUNK], inverse = telem_i_file_inverse(&f->base);
    telem_i_file_num_chunk r;
    uint64_t part[TELEM_I_FILE_NUM_CHUNK], wide;
    uint32_t i, j, m;
    for (i = 0; i < s->n; i += m) {
        m = s->n - i < TELEM_I_FILE_NUM_CHUNK ? s->n - i : TELEM_I_FILE_NUM_CHUNK;
        telem_i_file_load_reals(s, i, m, v);
        telem_i_file_whole64(v, m, inverse, part);
        wide = telem_i_file_from_ints(v, part, m);
        telem_i_file_reals(&f->base, s->width, v, m, &r);
        if (!wide && memcmp(&r, s->p + (size_t)i * s->width, (size_t)m * s->width) == 0) {
            memcpy(ks + t->kept, part, (size_t)m * 8);
            if (f->ulps) memset(t->ulps + t->kept, 0, (size_t)m * 4);
            t->kept += m;
            continue;
        }
        if (f->ulps && s->width == 8 && !wide && telem_i_file_all_stay(t, s->p + 8u * (size_t)i, r.u, m, f->ulps)) {
            memcpy(ks + t->kept - m, part, (size_t)m * 8);
            continue;
        }
        for (j = 0; j < m; j++) {
            ks[t->kept] = part[j];
            if (t->wild == t->limit) return 0;
            t->kept += (uint32_t)telem_i_file_stray(t, s, i + j, s->width == 8 ? r.u[j] : r.w[j],
                                                    (part[j] + TELEM_I_FILE_NUM_LIMIT) >> 52 == 0, f->ulps);
        }
    }
    return 1;
}

/* Each stream but the last has its length before it: room for it is kept, then closed. */
static uint8_t *telem_i_file_sized(uint8_t *at, size_t room, size_t len) { /* len bytes stand at at + room */
    uint8_t head[TELEM_VARINT_MAX];
    size_t n = telem_varint_put(head, len);
    memmove(at + n, at + room, len);
    memcpy(at, head, n);
    return at + n + len;
}
static uint8_t *telem_i_file_put_stream32(telem_i_file_codec *k, const uint32_t *v, uint32_t n, uint8_t *p, const uint8_t *end) {
    size_t len;
    if (!p || (size_t)(end - p) <= TELEM_VARINT_MAX) return NULL;
    len = telem_i_file_ints32_encode(k, NULL, v, n, p + TELEM_VARINT_MAX, (size_t)(end - p) - TELEM_VARINT_MAX);
    return len ? telem_i_file_sized(p, TELEM_VARINT_MAX, len) : NULL;
}
static uint8_t *telem_i_file_put_stream64(telem_i_file_codec *k, const uint64_t *v, uint32_t n, uint8_t *p, const uint8_t *end) {
    size_t len;
    if (!p || (size_t)(end - p) <= TELEM_VARINT_MAX) return NULL;
    len = telem_i_file_ints64_encode(k, NULL, v, n, p + TELEM_VARINT_MAX, (size_t)(end - p) - TELEM_VARINT_MAX);
    return len ? telem_i_file_sized(p, TELEM_VARINT_MAX, len) : NULL;
}
/* the stream that a length stands before */
static const uint8_t *telem_i_file_get_stream(const uint8_t *p, const uint8_t *end, const uint8_t **stream, size_t *len) {
    uint64_t n;
    p = telem_i_file_get_varint(p, end, &n);
    if (!p || n > (uint64_t)(end - p)) return NULL;
    *stream = p;
    *len = (size_t)n;
    return p + n;
}
static uint8_t *telem_i_file_put_base(const telem_i_file_num_front *f, uint8_t *p, const uint8_t *end) {
    if (!p || (size_t)(end - p) < 16) return NULL;
    switch (f->form) {
    case TELEM_I_FILE_BY_TENS:
        *p++ = f->e;
        return telem_i_file_put_varint(p, end, f->c);
    case TELEM_I_FILE_BY_F32: {
        float b = (float)f->base.v;
        uint32_t u;
        memcpy(&u, &b, 4);
        telem_i_file_set32(p, u);
        return p + 4;
    }
    case TELEM_I_FILE_BY_F64: {
        uint64_t u;
        memcpy(&u, &f->base.v, 8);
        telem_i_file_set64(p, u);
        return p + 8;
    }
    default: *p++ = f->e; return p;
    }
}
static const uint8_t *telem_i_file_get_base(telem_i_file_num_front *f, uint32_t width, const uint8_t *p, const uint8_t *end) {
    size_t size = f->form == TELEM_I_FILE_BY_F64 ? 8u : f->form == TELEM_I_FILE_BY_F32 ? 4u : 1u;
    uint64_t c = 1;
    if (f->form > TELEM_I_FILE_BY_F64 || (size_t)(end - p) < size) return NULL;
    f->e = *p;
    if (f->form == TELEM_I_FILE_BY_F32) {
        uint64_t b = telem_i_file_widen(telem_i_file_get32(p));
        memcpy(&f->base.v, &b, 8);
    } else if (f->form == TELEM_I_FILE_BY_F64) {
        uint64_t b = telem_i_file_get64(p);
        memcpy(&f->base.v, &b, 8);
    }
    p += size;
    if (f->form == TELEM_I_FILE_BY_TENS) p = telem_i_file_get_varint(p, end, &c);
    if (!p || c >> 16) return NULL;
    f->c = (uint16_t)c;
    return telem_i_file_set_base(f, width) ? p : NULL;
}

/* Where the parts of a column lie in `bytes`: 4 n, 2 n and w n / 2 bytes; at most half of the values are exceptions. */
static void telem_i_file_split_begin(telem_i_file_codec *k, uint32_t n, telem_i_file_num_split *t) {
    size_t room = (n + 15u) / 16u * 16u; /* a dictionary of a quarter of the rows leaves the indices alone */
    memset(t, 0, sizeof *t);
    t->ulps = (uint32_t *)(void *)k->bytes;
    t->gaps = (uint32_t *)(void *)(k->bytes + 4 * room);
    t->bits = k->bytes + 6 * room;
    t->limit = n / 2u;
}

/* Answers the end, or NULL: does not fit, or too many exceptions. *wild: how many there were. */
static uint8_t *telem_i_file_put_multiple(telem_i_file_codec *k, uint32_t *choice, const telem_i_file_num_view *s, const telem_i_file_num_front *f,
                                          uint32_t *wild, uint8_t *p, const uint8_t *end) {
    telem_i_file_num_split t;
    uint32_t kind, *ks = (uint32_t *)(void *)k->c64;
    uint8_t *head = p;
    uint64_t most = ((uint64_t)s->n * f->most >> 16) + 4u;
    telem_i_file_split_begin(k, s->n, &t);
    if (most < t.limit) t.limit = (uint32_t)most;
    if ((size_t)(end - p) < 2) return NULL;
    if (!(f->wide ? telem_i_file_split64(s, f, &t, k->c64) : telem_i_file_split32(s, f, &t, ks))) return NULL;
    *wild = t.wild;
    *p++ = f->form;
    p = telem_i_file_put_base(f, p, end);
    if (t.wild) {
        *head |= TELEM_I_FILE_EXCEPTIONS;
        p = telem_i_file_put_varint(p, end, t.wild);
        p = telem_i_file_put_stream32(k, t.gaps, t.wild, p, end);
        if (s->width == 8) p = telem_i_file_put_stream64(k, (const uint64_t *)(const void *)t.bits, t.wild, p, end);
        else p = telem_i_file_put_stream32(k, (const uint32_t *)(const void *)t.bits, t.wild, p, end);
    }
    if (t.off) {
        *head |= TELEM_I_FILE_ULPS;
        p = telem_i_file_put_stream32(k, t.ulps, t.kept, p, end);
    }
    if (!p) return NULL;
    if (f->wide) p = telem_i_file_put_ints64(k, choice, t.kept, &kind, p, end);
    else p = telem_i_file_put_ints32(k, choice, ks, t.kept, 0, &kind, p, end);
    *head |= (uint8_t)((kind - TELEM_I_FILE_INTS32) << 3);
    return p;
}

/* m values from `at` on; answers 0 when some k is too large. */
static int telem_i_file_get_chunk(const telem_i_file_num_back *b, const telem_i_file_num_front *f, uint32_t at, uint32_t m, uint32_t width,
                                  uint8_t *to) {
    uint64_t v[TELEM_I_FILE_NUM_CHUNK], apart = 0;
    uint32_t k[TELEM_I_FILE_NUM_CHUNK], i, top = 0;
    double kd[TELEM_I_FILE_NUM_CHUNK];
    telem_i_file_num_chunk r;
    if (b->kind == TELEM_I_FILE_INTS32) {
        telem_i_file_reals32(&f->base, width, b->u + at, m, to);
        return 1;
    }
    if (b->u && b->o + 0x40000000u < 0x80000000u) {
        uint32_t o = (uint32_t)b->o, g = (uint32_t)b->g;
        for (i = 0; i < m; i++) top |= b->u[at + i];
        if (g == 1u)
            for (i = 0; i < m; i++) k[i] = o + b->u[at + i];
        else
            for (i = 0; i < m; i++) k[i] = o + b->u[at + i] * g;
        apart = top * b->g >> 30;
    } else {
        telem_i_file_back64(b, at, m, v);
        for (i = 0; i < m; i++) apart |= v[i] + 0x80000000u;
        apart >>= 32;
        if (!apart)
            for (i = 0; i < m; i++) k[i] = (uint32_t)v[i];
    }
    if (!apart) {
        telem_i_file_reals32(&f->base, width, k, m, to);
        return 1;
    }
    telem_i_file_back64(b, at, m, v);
    if (telem_i_file_from_ints(kd, v, m)) return 0;
    telem_i_file_reals(&f->base, width, kd, m, &r);
    memcpy(to, &r, (size_t)m * width);
    return 1;
}

static int telem_i_file_get_reals(const telem_i_file_num_back *b, const telem_i_file_num_front *f, const uint32_t *ulps, uint32_t n, uint32_t width,
                                  uint8_t *to) {
    telem_i_file_num_chunk r;
    uint32_t i, j, m;
    for (i = 0; i < n; i += m, to += (size_t)m * width) {
        m = n - i < TELEM_I_FILE_NUM_CHUNK ? n - i : TELEM_I_FILE_NUM_CHUNK;
        if (!telem_i_file_get_chunk(b, f, i, m, width, ulps ? (uint8_t *)&r : to)) return 0;
        if (!ulps) continue;
        if (width == 8)
            for (j = 0; j < m; j++) r.u[j] += telem_i_file_sign32(ulps[i + j]);
        else
            for (j = 0; j < m; j++) r.w[j] += ulps[i + j];
        memcpy(to, &r, (size_t)m * width);
    }
    return 1;
}

/* n - wild values stand at the front of `to`: moves them where they belong, from the last on */
static int telem_i_file_spread_wild(telem_i_file_codec *k, const uint8_t *gaps, size_t gaps_len, const uint8_t *bits, size_t bits_len,
                                    uint32_t wild, uint32_t n, uint32_t width, uint8_t *to) {
    uint32_t *gap = (uint32_t *)(void *)k->bytes, *w = (uint32_t *)(void *)k->c64, i, left = n - wild, at = n;
    uint64_t sum = wild;
    if (!telem_i_file_ints32_decode(k, gaps, gaps_len, wild, gap)) return 0;
    if (!(width == 8 ? telem_i_file_ints64_decode(k, bits, bits_len, wild, k->c64) : telem_i_file_ints32_decode(k, bits, bits_len, wild, w)))
        return 0;
    for (i = 0; i < wild; i++) sum += gap[i];
    if (sum > n) return 0;
    for (i = wild; i-- > 0;) {
        uint32_t place = (uint32_t)sum - 1u, tail = at - place - 1u; /* ordinary values behind it */
        sum -= (uint64_t)gap[i] + 1u;
        left -= tail;
        memmove(to + ((size_t)place + 1u) * width, to + (size_t)left * width, (size_t)tail * width);
        if (width == 8) {
            uint64_t b = telem_i_file_order64(k->c64[i]);
            memcpy(to + (size_t)place * 8, &b, 8);
        } else {
            uint32_t b = telem_i_file_order32(w[i]);
            memcpy(to + (size_t)place * 4, &b, 4);
        }
        at = place;
    }
    return 1;
}

static int telem_i_file_get_multiple(telem_i_file_codec *k, const uint8_t *p, const uint8_t *end, uint32_t n, uint32_t width, uint8_t *to) {
    telem_i_file_num_front f;
    telem_i_file_num_back b;
    const uint8_t *gaps = NULL, *bits = NULL, *few = NULL;
    size_t gaps_len = 0, bits_len = 0, few_len = 0;
    uint64_t wild = 0;
    uint32_t head, *ulps = (uint32_t *)(void *)k->bytes;
    if (width < 4 || p == end) return 0;
    head = *p++;
    f.form = head & 7u;
    if (head & 0x80u || !(p = telem_i_file_get_base(&f, width, p, end))) return 0;
    if (head & TELEM_I_FILE_EXCEPTIONS) {
        p = telem_i_file_get_varint(p, end, &wild);
        if (!p || wild == 0 || wild >= n) return 0;
        if (!(p = telem_i_file_get_stream(p, end, &gaps, &gaps_len))) return 0;
        if (!(p = telem_i_file_get_stream(p, end, &bits, &bits_len))) return 0;
    }
    if (head & TELEM_I_FILE_ULPS && !(p = telem_i_file_get_stream(p, end, &few, &few_len))) return 0;
    n -= (uint32_t)wild;
    if (few && !telem_i_file_ints32_decode(k, few, few_len, n, ulps)) return 0;
    if (!telem_i_file_get_ints(k, TELEM_I_FILE_INTS32 + (head >> 3 & 3u), p, end, n, &b)) return 0;
    if (!telem_i_file_get_reals(&b, &f, few ? ulps : NULL, n, width, to)) return 0;
    if (!wild) return 1;
    return telem_i_file_spread_wild(k, gaps, gaps_len, bits, bits_len, (uint32_t)wild, n + (uint32_t)wild, width, to);
}

/* --- what suits: candidates are tried on a sample --- */

#define TELEM_I_FILE_NUM_FEW 40u

typedef struct telem_i_file_num_search {
    telem_i_file_codec *k;
    telem_i_file_num_view sample;         /* windows of four neighbours, end to end */
    uint64_t bits[TELEM_I_FILE_NUM_CHUNK]; /* its values, native */
    telem_i_file_num_front best;
    double few[TELEM_I_FILE_NUM_FEW];     /* finite values other than 0, no two alike, spread over the sample */
    uint32_t few_count;
    double biggest;                       /* magnitude among them */
} telem_i_file_num_search;

static void telem_i_file_take_sample(telem_i_file_num_search *q, const telem_i_file_num_view *s, uint32_t most) {
    uint32_t windows, i, w = s->width * 4u;
    uint8_t *to = (uint8_t *)q->bits;
    q->sample = *s;
    q->sample.p = to;
    if (s->n / 4u < most) most = s->n / 4u < 16u ? 16u : s->n / 4u;
    windows = most / 4u;
    if (s->n <= most) memcpy(to, s->p, (size_t)s->n * s->width);
    else {
        for (i = 0; i < windows; i++)
            memcpy(to + (size_t)i * w, s->p + (size_t)((uint64_t)(s->n - 4u) * i / (windows - 1u)) * s->width, w);
        q->sample.n = windows * 4u;
    }
}

static int telem_i_file_is_finite(uint64_t b, uint32_t width) {
    return width == 8 ? (b >> 52 & 0x7FFu) != 0x7FFu : (b >> 23 & 0xFFu) != 0xFFu;
}

static void telem_i_file_take_few(telem_i_file_num_search *q) {
    uint32_t i, n = q->sample.n, stride = n > 12 ? n / 3u | 1u : 1u;
    uint64_t seen[64];
    memset(seen, 0, sizeof seen);
    while (telem_i_file_gcd_small(n, stride) != 1) stride += 2;
    for (i = 0; i < n && q->few_count < TELEM_I_FILE_NUM_FEW; i++) {
        uint32_t at = (uint32_t)((uint64_t)i * stride % n), h;
        uint64_t b = telem_i_file_view_bits(&q->sample, at);
        double v, a;
        h = (uint32_t)((b * 0x9E3779B97F4A7C15u) >> 58);
        if (seen[h] == b || !telem_i_file_is_finite(b, q->sample.width)) continue;
        seen[h] = b;
        telem_i_file_load_reals(&q->sample, at, 1, &v);
        a = v < 0 ? -v : v;
        if (!(a > 0)) continue;
        q->few[q->few_count++] = v;
        if (a > q->biggest) q->biggest = a;
    }
}

/* What n numbers cost about, 1/16 bit each: windows of four neighbours, by their distances or by those from one of them. */
static uint32_t telem_i_file_cost_of(const uint64_t *v, uint32_t n) {
    uint64_t ref = v[n / 2u];
    uint32_t i, from = 0, steps = 0, pairs = 0;
    for (i = 0; i < n; i++) {
        from += telem_i_file_bit_length(telem_zigzag(telem_i_signed(v[i] - ref)));
        if (i & 3u || (n & 3u && i)) steps += telem_i_file_bit_length(telem_zigzag(telem_i_signed(v[i] - v[i - 1u]))), pairs++;
    }
    from = from * 16u / n;
    steps = pairs ? steps * 16u / pairs : from;
    return (steps < from ? steps : from) + from / 16u; /* held values: what they are weighs, too */
}

static uint32_t telem_i_file_wild_cost(uint32_t width) { return width * 4u + 8u; } /* bits of an exception */

/* k where the sample's values stand; an exception is held as what comes next. */
static void telem_i_file_hold(const telem_i_file_num_split *t, const uint64_t *kept, uint32_t n, uint64_t *ks) {
    uint32_t i, j = 0, wild = 0, next = t->gaps[0];
    for (i = 0; i < n; i++) {
        int odd = wild < t->wild && i == next;
        ks[i] = kept[j < t->kept ? j : t->kept - 1u];
        if (odd && ++wild < t->wild) next = i + 1u + t->gaps[wild];
        j += !odd;
    }
}

/* Weighs a front that some of the few fit in. Answers whether ulps may do better. */
static int telem_i_file_try(telem_i_file_num_search *q, telem_i_file_num_front *f, uint32_t reach) {
    telem_i_file_num_split t;
    uint32_t n = q->sample.n, i, gaps[TELEM_I_FILE_NUM_CHUNK], ulps[TELEM_I_FILE_NUM_CHUNK], sum = 0, odd = 0;
    uint64_t kept[TELEM_I_FILE_NUM_CHUNK + 1], ks[TELEM_I_FILE_NUM_CHUNK], bits[TELEM_I_FILE_NUM_CHUNK], apart = 0;
    int more;
    memset(&t, 0, sizeof t);
    t.gaps = gaps;
    t.ulps = ulps;
    t.bits = (uint8_t *)bits;
    t.limit = n;
    f->codec = TELEM_I_FILE_MULTIPLE;
    f->ulps = (uint8_t)reach;
    (void)telem_i_file_split64(&q->sample, f, &t, kept);
    more = t.wild * 16u > n && !reach && !(q->k->off & TELEM_I_FILE_OFF_ULPS);
    if (t.kept == 0 || t.wild * 2u > n || (t.wild && (q->k->off & TELEM_I_FILE_OFF_EXCEPTIONS))) return more;
    for (i = 0; i < t.kept; i++) apart |= kept[i] + 0x20000000u;
    f->wide = q->sample.width == 8 && apart >> 30;
    if (t.wild) telem_i_file_hold(&t, kept, n, ks);
    f->cost = telem_i_file_cost_of(t.wild ? ks : kept, n);
    if (t.off) {
        for (i = 0; i < t.kept; i++) sum += telem_i_file_bit_length(telem_zigzag(telem_i_signed(telem_i_file_sign32(ulps[i]))));
        f->cost += sum * 16u / t.kept + 8u;
    }
    for (i = 0; i < t.wild; i++) {
        int again = i && (q->sample.width == 8 ? bits[i] == bits[i - 1u] : memcmp(t.bits + 4 * (size_t)i, t.bits + 4 * (size_t)i - 4, 4) == 0);
        odd += again ? 6u : telem_i_file_wild_cost(q->sample.width);
    }
    f->cost += odd * 16u / n;
    f->most = (uint16_t)(t.wild * 65535u / n); /* see choose */
    if (f->cost < q->best.cost) q->best = *f;
    return more;
}

/* How many of the few are multiples; stops where more than `bad` are none. */
static uint32_t telem_i_file_hits(const telem_i_file_num_search *q, const telem_i_file_num_front *f, uint32_t bad) {
    uint32_t i, j, m, hits = 0, width = q->sample.width;
    double inverse = telem_i_file_inverse(&f->base), kd[TELEM_I_FILE_NUM_FEW];
    uint64_t ks[TELEM_I_FILE_NUM_FEW];
    telem_i_file_num_chunk r;
    for (i = 0; i < q->few_count && i - hits <= bad; i += m) {
        m = i ? q->few_count - i : 6u;
        if (m > q->few_count) m = q->few_count;
        telem_i_file_whole64(q->few + i, m, inverse, ks);
        if (telem_i_file_from_ints(kd, ks, m)) return 0;
        telem_i_file_reals(&f->base, width, kd, m, &r);
        if (width == 8)
            for (j = 0; j < m; j++) hits += r.d[j] == q->few[i + j];
        else
            for (j = 0; j < m; j++) hits += (double)r.f[j] == q->few[i + j];
    }
    return i < q->few_count ? 0 : hits;
}

/* k / 10^e: the first e that most of the few have, and those beyond that more of them have */
static int telem_i_file_try_tens(telem_i_file_num_search *q, uint32_t declared) {
    uint32_t e, most = q->sample.width == 8 ? 15 : 9, bad = q->few_count / 8u, tried = 0;
    telem_i_file_num_front f;
    memset(&f, 0, sizeof f);
    f.form = TELEM_I_FILE_BY_TENS;
    f.c = 1;
    for (e = declared ? declared - 1u : 0; e <= most; e++) {
        uint32_t hits;
        f.e = (uint8_t)e;
        if (!telem_i_file_set_base(&f, q->sample.width)) return 0;
        if (q->biggest * telem_i_file_tens[e] > (q->sample.width == 8 ? 9e15 : 1.3e8)) break; /* where any value would fit */
        hits = telem_i_file_hits(q, &f, bad);
        if (hits + bad >= q->few_count) {
            (void)telem_i_file_try(q, &f, 0);
            tried = 1;
            if (hits == q->few_count) return 1;
            bad = q->few_count - hits - 1u;
        } else if (declared)
            return 0;
    }
    return (int)tried;
}

/* k * 2^j: binary fixed point, f64 that hold integers or short fractions */
static int telem_i_file_try_power(telem_i_file_num_search *q) {
    telem_i_file_num_front f;
    int lowest = 4096;
    uint32_t i;
    double room = q->sample.width == 8 ? 1e12 : 2e6;
    for (i = 0; i < q->few_count; i++) {
        uint64_t b, m;
        int e;
        memcpy(&b, q->few + i, 8);
        m = (b & 0xFFFFFFFFFFFFFu) | 0x10000000000000u;
        e = (int)(b >> 52 & 0x7FFu) - 1076 + (int)telem_i_file_bit_length(m & (~m + 1u));
        if (e < lowest) lowest = e;
    }
    memset(&f, 0, sizeof f);
    if (lowest < -100 || lowest > 59 || q->biggest / telem_i_file_power(lowest) > room) return 0;
    f.form = TELEM_I_FILE_BY_POWER;
    f.e = (uint8_t)(lowest + 128);
    if (!telem_i_file_set_base(&f, q->sample.width)) return 0;
    (void)telem_i_file_try(q, &f, 0);
    return 1;
}

static void telem_i_file_sort(double *v, uint32_t n) { /* ascending */
    uint32_t i, j;
    for (i = 1; i < n; i++) {
        double x = v[i];
        for (j = i; j && v[j - 1u] > x; j--) v[j] = v[j - 1u];
        v[j] = x;
    }
}

static double telem_i_file_near(double x) { /* 0 for what is too far or no number */
    return x > -4e18 && x < 4e18 ? (double)(int64_t)(x < 0 ? x - 0.5 : x + 0.5) : 0;
}

/* Euclid's way with noise: what both are multiples of, to within `noise`; 0: nothing above `least` */
static double telem_i_file_num_common(double a, double b, double noise, double least) {
    while (b > noise) {
        double r = a - b * telem_i_file_near(a / b);
        if (b < least) return 0;
        a = b;
        b = r < 0 ? -r : r;
    }
    return a;
}

/* The step that all of the few are multiples of, whatever it is (a calibration factor): what the smallest distances between
   sorted values have in common, made finer by ever longer ones. 0: none. */
static double telem_i_file_find_step(const telem_i_file_num_search *q) {
    double v[TELEM_I_FILE_NUM_FEW], d[TELEM_I_FILE_NUM_FEW], noise, step, top = 0, bottom = 0, room;
    uint32_t n = q->few_count, m = 0, i, pass, bad = 0;
    if (n < 12) return 0;
    for (i = 0; i < n; i++) v[i] = q->few[i] < 0 ? -q->few[i] : q->few[i];
    telem_i_file_sort(v, n);
    noise = v[n - 1u] * (q->sample.width == 8 ? 1.0 / ((uint64_t)1 << 50) : 1.0 / (1u << 22));
    room = q->sample.width == 8 ? 1e9 : 4e6;
    for (i = 1; i < n; i++)
        if (v[i] - v[i - 1u] > 4 * noise) d[m++] = v[i] - v[i - 1u];
    if (m < 8) return 0;
    telem_i_file_sort(d, m);
    for (i = 1, step = d[0]; i < m && i < 12; i++) {
        step = telem_i_file_num_common(d[i], step, 8 * noise, v[n - 1u] / room);
        if (!(step > 8 * noise)) return 0;
    }
    for (i = 0; i < m; i++) {
        double x = telem_i_file_near(d[i] / step), r = d[i] - x * step;
        if (r > 0.2 * step || r < -0.2 * step) bad++;
        else {
            top += d[i] * x, bottom += x * x;
            if (bottom > 16) step = top / bottom;
        }
    }
    if (bad * 10u > m || v[n - 1u] / step > room) return 0;
    for (i = 1; i < n; i++) { /* distances from the smallest value */
        double l = v[i] - v[0], x = telem_i_file_near(l / step), r = l - x * step;
        if (r > 0.2 * step || r < -0.2 * step) continue;
        top += l * x, bottom += x * x;
        if (bottom > 0) step = top / bottom;
    }
    for (pass = 0; pass < 3; pass++) {
        top = bottom = 0;
        for (i = 0; i < n; i++) {
            double x = telem_i_file_near(v[i] / step);
            top += v[i] * x, bottom += x * x;
        }
        if (!(bottom > 0)) return 0;
        step = top / bottom;
    }
    return step;
}

/* Is t (positive) no integer, and none but for the last bits? Added to off[i]. */
static void telem_i_file_count_off(const double *t, uint32_t n, uint8_t *off) {
    double k[96], fine = 1.0 / ((uint64_t)1 << 50);
    uint64_t ks[96];
    uint32_t i;
    telem_i_file_whole64(t, n, 1.0, ks);
    (void)telem_i_file_from_ints(k, ks, n);
    for (i = 0; i < n; i++) off[i] = (uint8_t)(off[i] + (t[i] - k[i] > t[i] * fine || k[i] - t[i] > t[i] * fine));
}

/* k / (c * 10^e), c from 2 on: thirds, 1/360, ticks of a clock; the smallest divisor that makes integers of the few */
static int telem_i_file_try_ratio(telem_i_file_num_search *q) {
    double room = (double)((uint64_t)1 << 48) / q->biggest, least = 1e300, d[96], t[96];
    telem_i_file_num_front f;
    uint32_t e, c, i, j, n;
    memset(&f, 0, sizeof f);
    f.form = TELEM_I_FILE_BY_TENS;
    if (q->few_count < 4) return 0;
    for (e = 0; e <= 12; e++) {
        uint8_t off[96], by[96];
        memset(off, 0, sizeof off);
        for (c = 2, n = 0; c < 100; c++) {
            if (c % 10u == 0) continue;
            d[n] = (double)c * telem_i_file_tens[e];
            if (d[n] >= least || d[n] > room) break;
            by[n++] = (uint8_t)c;
        }
        for (j = 0; j < 2; j++) { /* two of the few tell nearly all that are none */
            double v = q->few[j] < 0 ? -q->few[j] : q->few[j];
            for (i = 0; i < n; i++) t[i] = v * d[i];
            telem_i_file_count_off(t, n, off);
        }
        for (i = 0; i < n; i++) {
            uint8_t none[TELEM_I_FILE_NUM_FEW];
            uint32_t bad = 0;
            if (off[i] == 2) continue;
            memset(none, 0, sizeof none);
            for (j = 0; j < q->few_count; j++) t[j] = (q->few[j] < 0 ? -q->few[j] : q->few[j]) * d[i];
            telem_i_file_count_off(t, q->few_count, none);
            for (j = 0; j < q->few_count; j++) bad += none[j];
            if (bad * 16u > q->few_count) continue;
            least = d[i];
            f.e = (uint8_t)e;
            f.c = by[i];
            break; /* further ones of this e are larger */
        }
    }
    if (!f.c || !telem_i_file_set_base(&f, q->sample.width)) return 0;
    if (telem_i_file_try(q, &f, 0)) (void)telem_i_file_try(q, &f, 64);
    return 1;
}

/* The divisor c * 10^e that this step may be one over; 0: none. */
static int telem_i_file_step_ratio(telem_i_file_num_front *f, double step, uint32_t width) {
    double d = 1.0 / step;
    uint32_t e;
    memset(f, 0, sizeof *f);
    f->form = TELEM_I_FILE_BY_TENS;
    for (e = width == 8 ? 15 : 10; e-- > 0;) {
        double c = d / telem_i_file_tens[e], whole = telem_i_file_near(c);
        if (whole < 1 || whole > 65535 || c - whole > 1e-5 * c || whole - c > 1e-5 * c) continue;
        f->e = (uint8_t)e;
        f->c = (uint16_t)whole;
        return telem_i_file_set_base(f, width);
    }
    return 0;
}

/* The factor near `step` that most of the few are exact multiples of */
static uint32_t telem_i_file_best_factor(const telem_i_file_num_search *q, double step, telem_i_file_num_front *best) {
    telem_i_file_num_front f;
    uint32_t hits = 0;
    int i, wide;
    for (wide = q->sample.width == 8; wide >= 0; wide--)
        for (i = 0; i < 7; i++) {
            int ulps = i & 1 ? -(i + 1) / 2 : i / 2;
            uint32_t h;
            memset(&f, 0, sizeof f);
            f.form = wide ? TELEM_I_FILE_BY_F64 : TELEM_I_FILE_BY_F32;
            if (wide) {
                uint64_t b;
                memcpy(&b, &step, 8);
                b += (uint64_t)(int64_t)ulps;
                memcpy(&f.base.v, &b, 8);
            } else {
                float g = (float)step;
                uint32_t b;
                memcpy(&b, &g, 4);
                b += (uint32_t)ulps;
                memcpy(&g, &b, 4);
                f.base.v = g;
            }
            if (!telem_i_file_set_base(&f, q->sample.width)) continue;
            h = telem_i_file_hits(q, &f, TELEM_I_FILE_NUM_FEW) + (i == 0 && wide == (q->sample.width == 8));
            if (h > hits) hits = h, *best = f;
            if (hits >= q->few_count) return hits;
        }
    return hits;
}

static int telem_i_file_try_step(telem_i_file_num_search *q) {
    double step = telem_i_file_find_step(q);
    telem_i_file_num_front f, best;
    uint32_t cost = q->best.cost;
    if (!(step > 1e-29 && step < 1e17)) return 0;
    if (!(q->k->off & TELEM_I_FILE_OFF_RATIONAL) && telem_i_file_step_ratio(&f, step, q->sample.width) &&
        telem_i_file_hits(q, &f, q->few_count / 4u) * 4u >= q->few_count * 3u) {
        (void)telem_i_file_try(q, &f, 0);
        if (q->best.cost < cost && !q->best.most) return 1;
    }
    step = q->biggest / telem_i_file_near(q->biggest / step); /* within 2 ulps of what made it */
    if (!telem_i_file_best_factor(q, step, &best)) return 0;
    if (telem_i_file_try(q, &best, 0)) (void)telem_i_file_try(q, &best, 64);
    return q->best.cost < cost;
}

static uint32_t telem_i_file_ordered_cost(const telem_i_file_num_search *q) { /* of the sample as ORDERED */
    uint64_t ordered[TELEM_I_FILE_NUM_CHUNK];
    uint32_t i;
    ordered[0] = 0;
    for (i = 0; i < q->sample.n; i++) {
        uint64_t b = telem_i_file_view_bits(&q->sample, i);
        ordered[i] = q->sample.width == 8 ? telem_i_file_order64(b) : telem_i_file_sign32(telem_i_file_order32((uint32_t)b));
    }
    return telem_i_file_cost_of(ordered, q->sample.n);
}

/* How many exceptions are worth it: up to where ORDERED, at this cost, is as good. */
static void telem_i_file_allow(telem_i_file_num_front *f, uint32_t cost, uint32_t width) {
    uint32_t room = f->most + (cost - f->cost) * 4096u / telem_i_file_wild_cost(width);
    f->most = (uint16_t)(room > 32767u ? 32767u : room);
}

/* The best for a column of floats; `most` values of it are looked at. */
static void telem_i_file_choose(telem_i_file_codec *k, const telem_i_file_num_view *s, uint32_t declared, uint32_t most, telem_i_file_num_front *f) {
    telem_i_file_num_search q;
    uint32_t cost;
    int decimal;
    q.k = k;
    q.few_count = 0;
    q.biggest = 0;
    memset(&q.best, 0, sizeof q.best);
    telem_i_file_take_sample(&q, s, most);
    q.best.codec = TELEM_I_FILE_ORDERED;
    q.best.cost = cost = telem_i_file_ordered_cost(&q);
    telem_i_file_take_few(&q);
    if (q.few_count == 0) goto out;
    decimal = declared && telem_i_file_try_tens(&q, declared);
    if (!decimal && !(k->off & TELEM_I_FILE_OFF_DECIMAL)) decimal = telem_i_file_try_tens(&q, 0);
    if (!(k->off & TELEM_I_FILE_OFF_POWER)) decimal |= telem_i_file_try_power(&q);
    if (decimal && q.best.codec == TELEM_I_FILE_MULTIPLE && q.best.most == 0) goto out;
    if (!(k->off & TELEM_I_FILE_OFF_BASE) && telem_i_file_try_step(&q)) goto out;
    if (s->width == 8 && !(k->off & TELEM_I_FILE_OFF_RATIONAL)) (void)telem_i_file_try_ratio(&q);
out:
    *f = q.best;
    if (f->codec == TELEM_I_FILE_MULTIPLE) telem_i_file_allow(f, cost, s->width);
}

/* --- few distinct values: a sorted dictionary and an index --- */

static size_t telem_i_file_index_encode(telem_i_file_codec *k, uint32_t *kept, const uint32_t *idx, uint32_t n, uint32_t nd, uint32_t *tmp, uint8_t *out,
                                        size_t cap);
static int telem_i_file_index_decode(telem_i_file_codec *k, const uint8_t *p, size_t size, uint32_t n, uint32_t nd, uint32_t *idx);
static size_t telem_i_file_planes_encode(telem_i_file_codec *k, const uint8_t *p, uint32_t width, int flip, uint32_t n, uint32_t *tmp,
                                         uint8_t *out, size_t cap);
static int telem_i_file_planes_decode(telem_i_file_codec *k, const uint8_t *p, size_t size, uint32_t width, int flip, uint32_t n,
                                      uint32_t *tmp, uint8_t *to);
static uint8_t *telem_i_file_put_plain(telem_i_file_codec *k, uint32_t *ints, uint32_t *front, const telem_i_file_num_view *s, uint32_t declared,
                                       uint8_t *codec, uint8_t *p, const uint8_t *end);
static int telem_i_file_get_numbers(telem_i_file_codec *k, uint8_t type, uint32_t width, uint8_t codec, const uint8_t *p, const uint8_t *end,
                                    uint32_t n, uint32_t depth, uint8_t *to);

typedef struct telem_i_file_num_ranks { /* in table: 48 KiB */
    uint64_t key[2 * TELEM_I_FILE_MAX_RANKS];
    uint16_t id[2 * TELEM_I_FILE_MAX_RANKS]; /* + 1; 0: free */
    uint16_t order[TELEM_I_FILE_MAX_RANKS], rank[TELEM_I_FILE_MAX_RANKS];
} telem_i_file_num_ranks;

static uint32_t telem_i_file_slot(const telem_i_file_num_ranks *r, uint64_t v) {
    uint32_t h = (uint32_t)((v * 0x9E3779B97F4A7C15u) >> 52) & (2u * TELEM_I_FILE_MAX_RANKS - 1u);
    while (r->id[h] && r->key[h] != v) h = (h + 1u) & (2u * TELEM_I_FILE_MAX_RANKS - 1u);
    return h;
}

/* Numbers the distinct values (v: in order of the first occurrence); 0: more than `most`. */
TELEM_I_FILE_INLINE uint32_t telem_i_file_number_values(telem_i_file_num_ranks *r, const telem_i_file_num_view *s, uint32_t width, uint32_t most,
                                                        uint64_t *v, uint32_t *idx) {
    telem_i_file_num_view w = *s;
    uint32_t i, nd = 0, now = 0;
    uint64_t before = 0;
    w.width = (uint8_t)width; /* a constant here */
    memset(r->id, 0, sizeof r->id);
    for (i = 0; i < w.n; i++) {
        uint64_t b = telem_i_file_view_bits(&w, i);
        if (i == 0 || b != before) {
            uint32_t h = telem_i_file_slot(r, b);
            before = b;
            if (!r->id[h]) {
                if (nd == most) return 0;
                r->key[h] = b;
                v[nd++] = b;
                r->id[h] = (uint16_t)nd;
            }
            now = r->id[h] - 1u;
        }
        idx[i] = now;
    }
    return nd;
}
static uint32_t telem_i_file_distinct_numbers(telem_i_file_num_ranks *r, const telem_i_file_num_view *s, uint32_t most, uint64_t *v, uint32_t *idx) {
    switch (s->width) {
    case 1: return telem_i_file_number_values(r, s, 1, most, v, idx);
    case 2: return telem_i_file_number_values(r, s, 2, most, v, idx);
    case 4: return telem_i_file_number_values(r, s, 4, most, v, idx);
    default: return telem_i_file_number_values(r, s, 8, most, v, idx);
    }
}

static uint64_t telem_i_file_rank_key(uint64_t b, const telem_i_file_num_view *s) { /* unsigned order is that of the values */
    uint64_t top = (uint64_t)1 << (s->width * 8u - 1u);
    if (s->type >= TELEM_F16 && s->type <= TELEM_F64) return telem_i_file_order(b, s->width) + top;
    return telem_i_file_signed_type(s->type) ? b ^ top : b;
}

static void telem_i_file_sort_ranks(telem_i_file_num_ranks *r, const telem_i_file_num_view *s, const uint64_t *v, uint32_t nd) {
    uint32_t gap, i, j;
    for (i = 0; i < nd; i++) {
        r->order[i] = (uint16_t)i;
        r->key[i] = telem_i_file_rank_key(v[i], s) & (s->width == 8 ? UINT64_MAX : ((uint64_t)1 << s->width * 8u) - 1u);
    }
    for (gap = nd / 2u; gap; gap = gap == 2 ? 1u : gap * 5u / 11u)
        for (i = gap; i < nd; i++) {
            uint16_t x = r->order[i];
            for (j = i; j >= gap && r->key[r->order[j - gap]] > r->key[x]; j -= gap) r->order[j] = r->order[j - gap];
            r->order[j] = x;
        }
    for (i = 0; i < nd; i++) r->rank[r->order[i]] = (uint16_t)i;
}

static void telem_i_file_pack_bits(uint64_t b, uint32_t width, uint8_t *p) { /* one native value */
    uint32_t w = (uint32_t)b;
    uint16_t h = (uint16_t)b;
    switch (width) {
    case 1: *p = (uint8_t)b; break;
    case 2: memcpy(p, &h, 2); break;
    case 4: memcpy(p, &w, 4); break;
    default: memcpy(p, &b, 8);
    }
}

static uint8_t *telem_i_file_put_ranks(telem_i_file_codec *k, uint32_t *kept, const telem_i_file_num_view *s, uint8_t *p, const uint8_t *end) {
    telem_i_file_num_ranks *r = (telem_i_file_num_ranks *)k->table;
    uint32_t most = s->n / 4u < TELEM_I_FILE_MAX_RANKS ? s->n / 4u : TELEM_I_FILE_MAX_RANKS, nd, i;
    uint64_t *v = k->c64 + k->cap + 1024u - most;
    uint32_t *idx = (uint32_t *)(void *)(k->bytes + 6 * (size_t)k->cap), *c32 = (uint32_t *)(void *)k->c64;
    telem_i_file_num_view d;
    uint8_t *body;
    size_t len;
    if (k->table_size < sizeof *r || !(nd = telem_i_file_distinct_numbers(r, s, most, v, idx))) return NULL;
    telem_i_file_sort_ranks(r, s, v, nd);
    for (i = 0; i < s->n; i++) idx[i] = r->rank[idx[i]];
    for (i = 0; i < nd; i++) r->key[i] = v[r->order[i]];
    d = *s;
    d.p = (const uint8_t *)v;
    d.n = nd;
    for (i = 0; i < nd; i++) telem_i_file_pack_bits(r->key[i], s->width, (uint8_t *)v + (size_t)i * s->width);
    p = telem_i_file_put_varint(p, end, nd);
    if (!p || (size_t)(end - p) < 32) return NULL;
    body = telem_i_file_put_plain(k, NULL, NULL, &d, 0, p + TELEM_VARINT_MAX, p + TELEM_VARINT_MAX + 1, end);
    if (!body) { /* raw */
        if ((size_t)(end - p) < (size_t)nd * s->width + 32u) return NULL;
        p[TELEM_VARINT_MAX] = 0;
        body = p + TELEM_VARINT_MAX + 1;
        for (i = 0; i < nd; i++, body += s->width) {
            uint64_t b = telem_i_file_view_bits(&d, i);
            uint32_t j;
            for (j = 0; j < s->width; j++) body[j] = (uint8_t)(b >> 8 * j);
        }
    }
    p = telem_i_file_sized(p, TELEM_VARINT_MAX, (size_t)(body - p) - TELEM_VARINT_MAX);
    memcpy(c32, idx, (size_t)s->n * 4);
    len = telem_i_file_index_encode(k, kept, c32, s->n, nd, (uint32_t *)(void *)k->bytes, p, (size_t)(end - p));
    return len ? p + len : NULL;
}

static int telem_i_file_get_ranks(telem_i_file_codec *k, uint8_t type, uint32_t width, const uint8_t *p, const uint8_t *end, uint32_t n,
                                  uint8_t *to) {
    uint32_t *idx = (uint32_t *)(void *)k->c64, i;
    const uint8_t *d;
    size_t len;
    uint64_t nd;
    p = telem_i_file_get_varint(p, end, &nd);
    if (!p || nd == 0 || nd > n || nd > TELEM_I_FILE_MAX_RANKS) return 0;
    if (!(p = telem_i_file_get_stream(p, end, &d, &len)) || len == 0) return 0;
    i = (uint32_t)telem_i_file_get_numbers(k, type, width, d[0], d + 1, d + len, (uint32_t)nd, 1, to);
    if (i != 1) return (int)i;
    memcpy(k->bytes, to, (size_t)nd * width);
    if (!telem_i_file_index_decode(k, p, (size_t)(end - p), n, (uint32_t)nd, idx)) return 0;
    if (width == 8)
        for (i = 0; i < n; i++) memcpy(to + 8 * (size_t)i, k->bytes + 8 * (size_t)idx[i], 8);
    else if (width == 4)
        for (i = 0; i < n; i++) memcpy(to + 4 * (size_t)i, k->bytes + 4 * (size_t)idx[i], 4);
    else if (width == 2)
        for (i = 0; i < n; i++) memcpy(to + 2 * (size_t)i, k->bytes + 2 * (size_t)idx[i], 2);
    else
        for (i = 0; i < n; i++) to[i] = k->bytes[idx[i]];
    return 1;
}

/* --- LZ4 over the values as they stand in a raw column --- */

static void telem_i_file_little(uint8_t *p, size_t n, uint32_t width) { /* native to little-endian or back, in place */
#if TELEM_I_LITTLE_ENDIAN
    (void)p, (void)n, (void)width;
#else
    size_t i;
    uint32_t j;
    for (i = 0; i < n; i++, p += width)
        for (j = 0; j < width / 2u; j++) {
            uint8_t t = p[j];
            p[j] = p[width - 1u - j];
            p[width - 1u - j] = t;
        }
#endif
}

#if !defined(TELEM_NO_LZ4)
static size_t telem_i_file_lz4_pack(telem_i_file_codec *k, const telem_i_file_num_view *s, uint32_t at, uint32_t n, uint8_t *out, size_t cap) {
    size_t size = (size_t)n * s->width;
    uint8_t *copy = (uint8_t *)k->c64;
    int got;
    if (k->table_size < (size_t)LZ4_sizeofState() || size > (size_t)1 << 30 || cap > (size_t)1 << 30) return 0;
    memcpy(copy, s->p + (size_t)at * s->width, size);
    telem_i_file_little(copy, n, s->width);
    got = LZ4_compress_fast_extState(k->table, (const char *)copy, (char *)out, (int)size, (int)cap, 1);
    return got > 0 ? (size_t)got : 0;
}
#endif

/* --- the whole --- */

static uint8_t *telem_i_file_put_bits(telem_i_file_codec *k, uint32_t *ints, const telem_i_file_num_view *s, uint8_t *p, const uint8_t *end) {
    const uint8_t *from = s->p;
    uint32_t i, w, n = s->n, *v = (uint32_t *)(void *)k->c64;
    uint64_t *u = k->c64;
    uint16_t h;
    size_t len;
    if (s->width == 8) {
        for (i = 0; i < n; i++) {
            uint64_t b;
            memcpy(&b, from + 8 * (size_t)i, 8);
            u[i] = telem_i_file_order64(b);
        }
        len = telem_i_file_ints64_encode(k, ints, u, n, p, (size_t)(end - p));
        return len ? p + len : NULL;
    }
    if (s->width == 4)
        for (i = 0; i < n; i++) {
            memcpy(&w, from + 4 * (size_t)i, 4);
            v[i] = telem_i_file_order32(w);
        }
    else
        for (i = 0; i < n; i++) {
            memcpy(&h, from + 2 * (size_t)i, 2);
            v[i] = telem_i_file_order16(h);
        }
    len = telem_i_file_ints32_encode(k, ints, v, n, p, (size_t)(end - p));
    return len ? p + len : NULL;
}

static int telem_i_file_get_ordered(telem_i_file_codec *k, uint32_t width, const uint8_t *p, const uint8_t *end, uint32_t n, uint8_t *to) {
    uint32_t i, m, j, *v = (uint32_t *)(void *)k->c64;
    telem_i_file_num_chunk r;
    if (width == 1) return 0;
    if (!(width == 8 ? telem_i_file_ints64_decode(k, p, (size_t)(end - p), n, k->c64) : telem_i_file_ints32_decode(k, p, (size_t)(end - p), n, v)))
        return 0;
    for (i = 0; i < n; i += m) {
        m = n - i < TELEM_I_FILE_NUM_CHUNK ? n - i : TELEM_I_FILE_NUM_CHUNK;
        if (width == 8) {
            for (j = 0; j < m; j++) r.u[j] = telem_i_file_order64(k->c64[i + j]);
            memcpy(to + 8 * (size_t)i, &r, (size_t)m * 8);
            continue;
        }
        if (width == 4)
            for (j = 0; j < m; j++) r.w[j] = telem_i_file_order32(v[i + j]);
        else
            for (j = 0; j < m; j++) r.w[j] = telem_i_file_order16(v[i + j]);
        telem_i_file_store32(r.w, m, width, to + (size_t)i * width);
    }
    return 1;
}

/* front[0]: codec, form, e, ulps and wide; [1]: c, most; [2..3]: base; [4]: 1/16 bit per value when kinds competed last;
   [5]: low half: the same when the front end was chosen, high half: blocks until it is chosen again; [6]: mode of
   the ranks' index; [7]: low half: kind of the whole column, high half: blocks until all kinds compete again */
static void telem_i_file_keep(uint32_t *front, const telem_i_file_num_front *f) {
    uint64_t b;
    memcpy(&b, &f->base.v, 8);
    front[0] = (uint32_t)f->codec | (uint32_t)f->form << 8 | (uint32_t)f->e << 16 | (uint32_t)f->ulps << 24 | (uint32_t)f->wide << 31;
    front[1] = (uint32_t)f->c | (uint32_t)f->most << 16;
    front[2] = (uint32_t)b;
    front[3] = (uint32_t)(b >> 32);
}
static void telem_i_file_recall_front(const uint32_t *front, uint32_t width, telem_i_file_num_front *f) {
    uint64_t b = front[2] | (uint64_t)front[3] << 32;
    memset(f, 0, sizeof *f);
    f->codec = (uint8_t)front[0];
    f->form = (uint8_t)(front[0] >> 8);
    f->e = (uint8_t)(front[0] >> 16);
    f->ulps = (uint8_t)(front[0] >> 24 & 127u);
    f->wide = (uint8_t)(front[0] >> 31);
    f->c = (uint16_t)front[1];
    f->most = (uint16_t)(front[1] >> 16);
    memcpy(&f->base.v, &b, 8);
    if (f->codec == TELEM_I_FILE_MULTIPLE && !telem_i_file_set_base(f, width)) f->codec = TELEM_I_FILE_ORDERED;
}

#define TELEM_I_FILE_NUM_LOOKS 32u /* blocks that a choice is kept for */

static uint8_t *telem_i_file_put_front(telem_i_file_codec *k, uint32_t *ints, const telem_i_file_num_view *s, const telem_i_file_num_front *f,
                                       uint8_t *p, const uint8_t *end) {
    uint32_t wild;
    if (f->codec != TELEM_I_FILE_MULTIPLE) return telem_i_file_put_bits(k, ints, s, p, end);
    return telem_i_file_put_multiple(k, ints, s, f, &wild, p, end);
}

/* Does the front end of a neighbour suit a sample of this column as well as it did there? */
static int telem_i_file_suits(telem_i_file_codec *k, const telem_i_file_num_view *s, telem_i_file_num_front *f) {
    telem_i_file_num_search q;
    uint32_t cost, there = k->nigh[s->width == 8][4], exact = f->most == 0 && !f->ulps;
    if (f->codec != TELEM_I_FILE_MULTIPLE) return 0;
    q.k = k;
    q.few_count = 0;
    q.biggest = 0;
    memset(&q.best, 0, sizeof q.best);
    telem_i_file_take_sample(&q, s, 64);
    telem_i_file_take_few(&q);
    if (q.few_count < 8) return 0;
    if (telem_i_file_hits(&q, f, q.few_count) == q.few_count) f->ulps = 0, exact = 1;
    else if (exact) return 0;
    while (exact && f->form == TELEM_I_FILE_BY_TENS && f->e) { /* no more decimals than it has */
        telem_i_file_num_front g = *f;
        g.e--;
        if (!telem_i_file_set_base(&g, s->width) || telem_i_file_hits(&q, &g, 0) != q.few_count) break;
        *f = g;
    }
    q.best.cost = cost = telem_i_file_ordered_cost(&q);
    (void)telem_i_file_try(&q, f, f->ulps);
    if (q.best.codec != TELEM_I_FILE_MULTIPLE || (exact ? q.best.most : q.best.cost > there + there / 8u + 4u)) return 0;
    *f = q.best;
    telem_i_file_allow(f, cost, s->width);
    return 1;
}

/* 32- and 64-bit floats: as last time; else by what a sample tells, a larger one when that one was misleading. */
static uint8_t *telem_i_file_put_reals(telem_i_file_codec *k, uint32_t *ints, uint32_t *front, const telem_i_file_num_view *s, uint32_t declared,
                                       uint8_t *codec, uint8_t *p, const uint8_t *end) {
    uint32_t own[8] = {0, 0, 0, 0, 0, 0, 0, 0}, *nigh = k->nigh[s->width == 8], bits = 0, turn, known;
    telem_i_file_num_front f;
    uint8_t *q = NULL;
    if (!front) front = own;
    known = front[5] >> 16 != 0;
    if (known) {
        telem_i_file_recall_front(front, s->width, &f);
        q = telem_i_file_put_front(k, ints, s, &f, p, end);
        known = q != NULL;
    }
    if (!q && k->level != 2 && nigh[0]) {
        telem_i_file_recall_front(nigh, s->width, &f);
        if (telem_i_file_suits(k, s, &f)) q = telem_i_file_put_front(k, ints, s, &f, p, end);
    }
    for (turn = 0; turn < 3 && !q; turn++) {
        if (turn < 2) telem_i_file_choose(k, s, declared, turn ? TELEM_I_FILE_NUM_CHUNK : 64u, &f);
        else f.codec = TELEM_I_FILE_ORDERED;
        q = telem_i_file_put_front(k, ints, s, &f, p, end);
        if (f.codec == TELEM_I_FILE_ORDERED) break;
    }
    if (q) bits = (uint32_t)((uint64_t)(q - p) * 128u / s->n);
    if (known) { /* as last time: while it costs what it did */
        front[5] -= 0x10000u;
        if (bits > (front[5] & 0xFFFFu) * 5u / 4u + 8u) front[5] &= 0xFFFFu;
    } else {
        telem_i_file_keep(front, &f);
        memcpy(nigh, front, 4 * sizeof *nigh);
        nigh[4] = f.cost;
        front[5] = TELEM_I_FILE_NUM_LOOKS << 16 | (bits & 0xFFFFu);
    }
    *codec = f.codec;
    return q;
}

/* F64 that all are F32: those, in the upper half of c64; or NULL */
static const uint8_t *telem_i_file_narrowed(telem_i_file_codec *k, const telem_i_file_num_view *s) {
    uint32_t i, j, m, bad = 0, *to = (uint32_t *)(void *)k->c64 + k->cap;
    for (i = 0; i < s->n; i += m) {
        m = s->n - i < 64u ? s->n - i : 64u;
        for (j = 0; j < m; j++) {
            uint64_t b;
            memcpy(&b, s->p + 8 * (size_t)(i + j), 8);
            bad |= (uint32_t)!telem_i_file_narrows(b, to + i + j);
        }
        if (bad) return NULL;
    }
    return (const uint8_t *)to;
}

static uint8_t *telem_i_file_put_plain(telem_i_file_codec *k, uint32_t *ints, uint32_t *front, const telem_i_file_num_view *s, uint32_t declared,
                                       uint8_t *codec, uint8_t *p, const uint8_t *end) {
    uint32_t kind = TELEM_I_FILE_INTS32, *v = (uint32_t *)(void *)k->c64;
    telem_i_file_num_view fewer = *s;
    if (s->type == TELEM_F64 && !(k->off & TELEM_I_FILE_OFF_NARROW) && (fewer.p = telem_i_file_narrowed(k, s)) != NULL) {
        fewer.width = 4;
        fewer.type = TELEM_F32;
        if (end - p < 2) return NULL;
        *codec = TELEM_I_FILE_NARROW;
        return telem_i_file_put_reals(k, ints, front, &fewer, declared, p, p + 1, end);
    }
    if (s->type == TELEM_F32 || s->type == TELEM_F64) return telem_i_file_put_reals(k, ints, front, s, declared, codec, p, end);
    if (s->type == TELEM_F16 || s->type == TELEM_BF16) {
        *codec = TELEM_I_FILE_ORDERED;
        return telem_i_file_put_bits(k, ints, s, p, end);
    }
    if (s->width == 8) {
        memcpy(k->c64, s->p, (size_t)s->n * 8);
        p = telem_i_file_put_ints64(k, ints, s->n, &kind, p, end);
    } else {
        telem_i_file_load32(s, v);
        p = telem_i_file_put_ints32(k, ints, v, s->n, 0, &kind, p, end);
    }
    *codec = (uint8_t)kind;
    return p;
}

/* Distinct ones of 128 values spread over the column, or 128 when those are too many; *bits: their entropy, 1/16 bit. */
static uint32_t telem_i_file_sample_distinct(const telem_i_file_num_view *s, uint32_t *bits) {
    uint64_t seen[256];
    uint8_t used[256], slot[128];
    uint32_t i, count = s->n < 128 ? s->n : 128u, nd = 0, sum = 0;
    memset(used, 0, sizeof used);
    for (i = 0; i < count; i++) {
        uint64_t b = telem_i_file_view_bits(s, (uint32_t)((uint64_t)i * s->n / count));
        uint32_t h = (uint32_t)((b * 0x9E3779B97F4A7C15u) >> 56);
        while (used[h] && seen[h] != b) h = (h + 1u) & 255u;
        if (!used[h]) slot[nd++] = (uint8_t)h;
        if (nd * 4u > count * 3u) return 128;
        used[h]++;
        seen[h] = b;
    }
    for (i = 0; i < nd; i++) sum += used[slot[i]] * telem_i_file_log2(used[slot[i]]);
    *bits = (telem_i_file_log2(count) - sum / count) / 16u;
    return nd;
}

/* Codings of a whole column. PLAIN is the front end; the others compete with it. */
enum { TELEM_I_FILE_IS_PLAIN, TELEM_I_FILE_IS_RANKS, TELEM_I_FILE_IS_PLANES, TELEM_I_FILE_IS_LZ4, TELEM_I_FILE_IS_RAW };

typedef struct telem_i_file_num_job {
    telem_i_file_codec *k;
    uint32_t *ints, *front;
    telem_i_file_num_view s;
    uint32_t declared;
} telem_i_file_num_job;

static uint8_t *telem_i_file_put_kind(const telem_i_file_num_job *j, uint32_t kind, uint8_t *codec, uint8_t *p, const uint8_t *end) {
    telem_i_file_codec *k = j->k;
    const telem_i_file_num_view *s = &j->s;
    size_t n = 0;
    switch (kind) {
    case TELEM_I_FILE_IS_PLAIN: return telem_i_file_put_plain(k, j->ints, j->front, s, j->declared, codec, p, end);
    case TELEM_I_FILE_IS_RANKS: *codec = TELEM_I_FILE_RANK; return telem_i_file_put_ranks(k, j->front ? j->front + 6 : NULL, s, p, end);
    case TELEM_I_FILE_IS_PLANES:
        *codec = TELEM_I_FILE_PLANES;
        n = telem_i_file_planes_encode(k, s->p, s->width, !TELEM_I_LITTLE_ENDIAN, s->n, (uint32_t *)(void *)k->bytes, p, (size_t)(end - p));
        break;
    default:
        *codec = TELEM_I_FILE_LZ4ED;
#if !defined(TELEM_NO_LZ4)
        n = telem_i_file_lz4_pack(k, s, 0, s->n, p, (size_t)(end - p));
#endif
    }
    return n ? p + n : NULL;
}

static size_t telem_i_file_planes_estimate(const telem_i_file_num_view *s) { /* bytes for the column */
    uint32_t i, b, cost = 0;
    uint64_t v[64];
    for (b = 0; b < s->width; b++) {
        for (i = 0; i < 64; i++) {
            uint32_t at = (uint32_t)((uint64_t)(s->n - 4u) * (i / 4u) / 15u) + (i & 3u);
            v[i] = telem_i_file_view_bits(s, at) >> 8 * b & 0xFFu;
        }
        cost += telem_i_file_cost_of(v, 64);
    }
    return (size_t)((uint64_t)cost * s->n / 128u);
}

/* Would a dictionary and indices of that entropy do better? */
static int telem_i_file_ranks_promise(const telem_i_file_num_view *s, size_t size, uint32_t level) {
    uint32_t entropy = 0, nd, bits = (uint32_t)((uint64_t)size * 128u / s->n), cost;
    if (bits < 8) return 0;
    nd = telem_i_file_sample_distinct(s, &entropy);
    if (nd > 96) return 0;
    cost = entropy + nd * (nd > 64 ? 9u : 6u) * 16u * s->width / s->n;
    return level == 1 ? bits > cost * 2u + 16u : bits > cost + cost / 8u + 8u;
}

/* May `kind` be smaller than `size` bytes? A look at a sample. */
static int telem_i_file_promises(const telem_i_file_num_job *j, uint32_t kind, size_t size) {
    const telem_i_file_num_view *s = &j->s;
    telem_i_file_codec *k = j->k;
    size_t raw = (size_t)s->n * s->width;
    if (s->n < 16) return 0;
    if (kind == TELEM_I_FILE_IS_RANKS) return !(k->off & TELEM_I_FILE_OFF_RANK) && telem_i_file_ranks_promise(s, size, k->level);
    if (k->level == 1) return 0;
    if (kind == TELEM_I_FILE_IS_PLANES)
        return !(k->off & TELEM_I_FILE_OFF_BYTES) && s->width >= 4 && s->type < TELEM_F16 && size * 3 > raw && s->n >= 64 &&
               telem_i_file_planes_estimate(s) < size - size / 16u;
#if defined(TELEM_NO_LZ4)
    return 0;
#else
    {
        uint32_t m = raw > 8192 ? 8192u / s->width : s->n;
        size_t z;
        if ((k->off & TELEM_I_FILE_OFF_WHOLE_LZ4) || raw < 2048 || size * 2 < raw) return 0;
        z = telem_i_file_lz4_pack(k, s, (s->n - m) / 2u, m, k->bytes, m * (size_t)s->width + 1024u);
        return z && (uint64_t)z * raw * 20u < (uint64_t)size * m * s->width * 19u;
    }
#endif
}

/* All kinds, the smallest stays at p. Behind the best so far there may be room to try another; else it is written over
   and, when the trial was no better, coded again. */
static uint8_t *telem_i_file_compete(const telem_i_file_num_job *j, uint32_t *best, uint8_t *codec, uint8_t *p, const uint8_t *end) {
    uint8_t *q = telem_i_file_put_kind(j, TELEM_I_FILE_IS_PLAIN, codec, p, end), own, *r;
    uint32_t kind;
    *best = TELEM_I_FILE_IS_PLAIN;
    for (kind = TELEM_I_FILE_IS_RANKS; kind <= TELEM_I_FILE_IS_LZ4; kind++) {
        size_t size = q ? (size_t)(q - p) : (size_t)(end - p), limit = size - size / 64u;
        int behind = q && limit <= (size_t)(end - q);
        if (!telem_i_file_promises(j, kind, size)) continue;
        r = telem_i_file_put_kind(j, kind, &own, behind ? q : p, (behind ? q : p) + limit);
        if (r) {
            if (behind) {
                memmove(p, q, (size_t)(r - q));
                r = p + (r - q);
            }
            q = r;
            *codec = own;
            *best = kind;
        } else if (q && !behind)
            q = telem_i_file_put_kind(j, *best, codec, p, end);
    }
    return q;
}

static size_t telem_i_file_numbers_encode(telem_i_file_codec *k, telem_i_file_choice *st, const telem_column *col, const void *values, uint32_t n,
                                          uint8_t *codec, uint8_t *out, size_t cap) {
    uint32_t none[8] = {0, 0, 0, 0, 0, 0, 0, 0}, *front = st ? st->front : none, kind, bits;
    telem_i_file_num_job j;
    uint8_t *p = NULL;
    if (n == 0 || cap < 32) return 0;
    j.k = k;
    j.ints = st ? st->ints : NULL;
    j.front = front;
    j.declared = col->presence || (col->field->scale != 0.0 && col->field->scale != 1.0) || col->field->bias != 0.0 ? 0 : col->field->decimals;
    j.s.p = (const uint8_t *)values;
    j.s.n = n;
    j.s.width = (uint8_t)col->width;
    j.s.type = col->type;
    kind = col->type == TELEM_BOOL ? (uint32_t)TELEM_I_FILE_IS_PLAIN : front[7] >> 16 ? front[7] & 0xFFu : UINT32_MAX;
    if (kind == TELEM_I_FILE_IS_RAW) { /* nothing did better the last time */
        front[7] -= 0x10000u;
        return 0;
    }
    if (kind <= TELEM_I_FILE_IS_LZ4) {
        p = telem_i_file_put_kind(&j, kind, codec, out, out + cap);
        bits = p ? (uint32_t)((uint64_t)(p - out) * 128u / n) : 0;
        if (col->type == TELEM_BOOL) return p ? (size_t)(p - out) : 0;
        front[7] -= 0x10000u;
        if (p && bits <= front[4] + front[4] / 4u + 8u) return (size_t)(p - out);
    }
    p = telem_i_file_compete(&j, &kind, codec, out, out + cap);
    if (!p && k->level != 2) kind = TELEM_I_FILE_IS_RAW;
    front[7] = kind | (kind == TELEM_I_FILE_IS_RAW ? 4u : 16u) << 16;
    front[4] = p ? (uint32_t)((uint64_t)(p - out) * 128u / n) : 0;
    return p ? (size_t)(p - out) : 0;
}

static int telem_i_file_get_narrow(telem_i_file_codec *k, const uint8_t *p, const uint8_t *end, uint32_t n, uint8_t *to) {
    uint8_t *half = to + (size_t)n * 4;
    uint32_t part[TELEM_I_FILE_NUM_CHUNK], i, m;
    uint64_t wide[TELEM_I_FILE_NUM_CHUNK];
    if (p == end || (*p != TELEM_I_FILE_ORDERED && *p != TELEM_I_FILE_MULTIPLE)) return 0;
    if (telem_i_file_get_numbers(k, TELEM_F32, 4, *p, p + 1, end, n, 1, half) != 1) return 0;
    for (i = 0; i < n; i += m) {
        m = n - i < TELEM_I_FILE_NUM_CHUNK ? n - i : TELEM_I_FILE_NUM_CHUNK;
        memcpy(part, half + 4 * (size_t)i, (size_t)m * 4);
        telem_i_file_widen_all(part, m, wide);
        memcpy(to + 8 * (size_t)i, wide, (size_t)m * 8);
    }
    return 1;
}

static int telem_i_file_get_lattice(telem_i_file_codec *k, uint32_t width, uint8_t codec, const uint8_t *p, const uint8_t *end, uint32_t n,
                                    uint8_t *to) {
    uint32_t i, j, m, part[TELEM_I_FILE_NUM_CHUNK];
    uint64_t wide[TELEM_I_FILE_NUM_CHUNK];
    telem_i_file_num_back b;
    if (!telem_i_file_get_ints(k, codec, p, end, n, &b)) return 0;
    if (codec == TELEM_I_FILE_INTS32 && width < 8) telem_i_file_store32(b.u, n, width, to);
    else if (codec == TELEM_I_FILE_INTS64 && width == 8) memcpy(to, b.v, (size_t)n * 8);
    else if (width == 8) telem_i_file_back_all(&b, n, to);
    else
        for (i = 0; i < n; i += m) {
            m = n - i < TELEM_I_FILE_NUM_CHUNK ? n - i : TELEM_I_FILE_NUM_CHUNK;
            if (b.u) {
                for (j = 0; j < m; j++) part[j] = (uint32_t)b.o + b.u[i + j] * (uint32_t)b.g;
            } else {
                telem_i_file_back64(&b, i, m, wide);
                for (j = 0; j < m; j++) part[j] = (uint32_t)wide[j];
            }
            telem_i_file_store32(part, m, width, to + (size_t)i * width);
        }
    return 1;
}

static int telem_i_file_get_lz4(telem_i_file_codec *k, uint32_t width, const uint8_t *p, const uint8_t *end, uint32_t n, uint8_t *to) {
    size_t size = (size_t)n * width;
    (void)k;
#if defined(TELEM_NO_LZ4)
    (void)p, (void)end, (void)to, (void)size;
    return -1;
#else
    if ((size_t)(end - p) > (size_t)1 << 30 || size > (size_t)1 << 30) return 0;
    if (LZ4_decompress_safe((const char *)p, (char *)to, (int)(end - p), (int)size) != (int)size) return 0;
    telem_i_file_little(to, n, width);
    return 1;
#endif
}

/* depth 1: inside of another codec */
static int telem_i_file_get_numbers(telem_i_file_codec *k, uint8_t type, uint32_t width, uint8_t codec, const uint8_t *p, const uint8_t *end,
                                    uint32_t n, uint32_t depth, uint8_t *to) {
    int real = type >= TELEM_F16 && type <= TELEM_F64;
    switch (codec) {
    case 0:
        if (!depth || (size_t)(end - p) != (size_t)n * width) return 0;
        memcpy(to, p, (size_t)n * width);
        telem_i_file_little(to, n, width);
        return 1;
    case TELEM_I_FILE_INTS32:
    case TELEM_I_FILE_INTS64:
    case TELEM_I_FILE_LATTICE32:
    case TELEM_I_FILE_LATTICE64: return !real && telem_i_file_get_lattice(k, width, codec, p, end, n, to);
    case TELEM_I_FILE_ORDERED: return real && telem_i_file_get_ordered(k, width, p, end, n, to);
    case TELEM_I_FILE_MULTIPLE: return real && telem_i_file_get_multiple(k, p, end, n, width, to);
    case TELEM_I_FILE_RANK: return depth ? 0 : telem_i_file_get_ranks(k, type, width, p, end, n, to);
    case TELEM_I_FILE_PLANES:
        return !depth && telem_i_file_planes_decode(k, p, (size_t)(end - p), width, !TELEM_I_LITTLE_ENDIAN, n, (uint32_t *)(void *)k->bytes, to);
    case TELEM_I_FILE_LZ4ED: return depth ? 0 : telem_i_file_get_lz4(k, width, p, end, n, to);
    case TELEM_I_FILE_NARROW: return type == TELEM_F64 ? telem_i_file_get_narrow(k, p, end, n, to) : 0;
    default: return -1;
    }
}

static int telem_i_file_numbers_decode(telem_i_file_codec *k, const telem_column *col, uint8_t codec, const uint8_t *p, size_t size, uint32_t n,
                                       void *values) {
    uint8_t *to = (uint8_t *)values, wrong = 0;
    uint32_t i;
    int r;
    if (n == 0 || n > k->cap || codec == 0) return 0;
    r = telem_i_file_get_numbers(k, col->type, col->width, codec, p, p + size, n, 0, to);
    if (r != 1 || col->type != TELEM_BOOL) return r;
    for (i = 0; i < n; i++) wrong |= to[i];
    return wrong < 2;
}

/* >>columns-text -------------------------------------------------------------------------------- */

/* Scratch of this part: bytes (LZ: matches and literals; patterns; indices on their way), c64 (LZ: places by their hash;
   patterns), a64 (hash of strings: dead before integers are coded), text (the distinct strings). Integer streams use
   a64, b64 and table, so nothing of ours stays there. */
#define TELEM_I_FILE_LZ_SEQS 2048u       /* matches of a chunk at most */
#define TELEM_I_FILE_LZ_LITS 4096u       /* literals of a chunk at most */
#define TELEM_I_FILE_LZ_MIN 4u           /* shortest match */

enum { TELEM_I_FILE_TEXT_LIST = 32, TELEM_I_FILE_TEXT_DICTIONARY = 33, TELEM_I_FILE_TEXT_PLANES = 34 };

/* Bits of telem_i_file_codec.off that belong to this part: modes that are not to be chosen. */
#define TELEM_I_FILE_OFF_DICTIONARY 0x00010000u
#define TELEM_I_FILE_OFF_LZ         0x00020000u
#define TELEM_I_FILE_OFF_FRONT      0x00080000u /* move to front */
#define TELEM_I_FILE_OFF_FOLLOW     0x00100000u
#define TELEM_I_FILE_OFF_TEMPLATE   0x00400000u
#define TELEM_I_FILE_OFF_KEYS       0x01000000u

static uint32_t telem_i_file_low_bit(uint64_t v) { /* v not 0 */
#if defined(__GNUC__)
    return (uint32_t)__builtin_ctzll(v);
#else
    return telem_i_file_bit_length(v & (0u - v)) - 1u;
#endif
}

/* What is written: bounded; `full` sticks. */
typedef struct telem_i_file_sink {
    uint8_t *p, *end;
    int full;
} telem_i_file_sink;

static telem_i_file_sink telem_i_file_sink_make(uint8_t *out, size_t cap) {
    telem_i_file_sink s;
    s.p = out;
    s.end = out + cap;
    s.full = 0;
    return s;
}
static void telem_i_file_sink_byte(telem_i_file_sink *s, uint32_t v) {
    if (s->p < s->end) *s->p++ = (uint8_t)v;
    else s->full = 1;
}
static void telem_i_file_sink_varint(telem_i_file_sink *s, uint64_t v) {
    uint8_t tmp[TELEM_VARINT_MAX];
    size_t n = telem_varint_put(tmp, v);
    if (n > (size_t)(s->end - s->p)) s->full = 1;
    if (s->full) return;
    memcpy(s->p, tmp, n);
    s->p += n;
}
static void telem_i_file_sink_bytes(telem_i_file_sink *s, const uint8_t *p, size_t n) {
    if (n > (size_t)(s->end - s->p)) s->full = 1;
    if (s->full) return;
    memcpy(s->p, p, n);
    s->p += n;
}
static size_t telem_i_file_sink_left(const telem_i_file_sink *s) { return s->full ? 0 : (size_t)(s->end - s->p); }
/* Behind `n` bytes that were coded at s->p + 5: their length before them. */
static void telem_i_file_sink_counted(telem_i_file_sink *s, size_t n) {
    uint8_t tmp[TELEM_VARINT_MAX];
    size_t h;
    if (s->full) return;
    h = telem_varint_put(tmp, n);
    memmove(s->p + h, s->p + 5, n);
    memcpy(s->p, tmp, h);
    s->p += h + n;
}
static void telem_i_file_sink_sized(telem_i_file_sink *s, size_t n) { /* n == 0: what was coded did not fit */
    if (n == 0) s->full = 1;
    telem_i_file_sink_counted(s, n);
}
static uint8_t *telem_i_file_sink_ahead(telem_i_file_sink *s, size_t *cap) {
    size_t left = telem_i_file_sink_left(s);
    *cap = left > 5 ? left - 5 : 0;
    return s->p + (left > 5 ? 5 : 0);
}

/* n integers, their size before them. */
static void telem_i_file_sink_ints(telem_i_file_codec *k, telem_i_file_sink *s, const uint32_t *v, uint32_t n) {
    size_t cap;
    uint8_t *at = telem_i_file_sink_ahead(s, &cap);
    telem_i_file_sink_sized(s, cap ? telem_i_file_ints32_encode(k, NULL, v, n, at, cap) : 0);
}
/* Integers that no predictor helps: the coder's search for one is spared (and it might fall for a poor one). */
static size_t telem_i_file_lone_encode(telem_i_file_codec *k, const uint32_t *v, uint32_t n, uint8_t *out, size_t cap) {
    uint32_t order0[8] = {1, 1, 0, 0, 0, 0, 0, 0}; /* what it would have remembered */
    return telem_i_file_ints32_encode(k, order0, v, n, out, cap);
}
static void telem_i_file_sink_lone(telem_i_file_codec *k, telem_i_file_sink *s, const uint32_t *v, uint32_t n) {
    size_t cap;
    uint8_t *at = telem_i_file_sink_ahead(s, &cap);
    telem_i_file_sink_sized(s, cap ? telem_i_file_lone_encode(k, v, n, at, cap) : 0);
}
static int telem_i_file_take_ints(telem_i_file_codec *k, telem_i_file_cursor *c, uint32_t n, uint32_t *out) {
    uint64_t size = telem_i_file_take_varint(c);
    const uint8_t *p = telem_i_file_take_bytes(c, size);
    return !c->bad && telem_i_file_ints32_decode(k, p, (size_t)size, n, out);
}

/* >>columns-lz: repeats in text */

/* What the search knows: places by the hash of their 4 bytes, `ways` of them for each, the last one first. Entries are
   place + 1; 0: none. */
typedef struct telem_i_file_lz {
    const uint8_t *src;
    size_t n, at, anchor;
    uint32_t *table, ways, shift, level;
    uint32_t *run, *len, *dist, *lit, seqs, lits;
    uint8_t *bytes; /* the literals, before they become integers in the same place and behind */
} telem_i_file_lz;

static void telem_i_file_lz_room(telem_i_file_lz *z, telem_i_file_codec *k) { /* 40,960 bytes */
    z->run = (uint32_t *)(void *)k->bytes;
    z->len = z->run + TELEM_I_FILE_LZ_SEQS;
    z->dist = z->len + TELEM_I_FILE_LZ_SEQS;
    z->lit = z->dist + TELEM_I_FILE_LZ_SEQS;
    z->bytes = (uint8_t *)(z->lit + TELEM_I_FILE_LZ_LITS) - TELEM_I_FILE_LZ_LITS;
}

static void telem_i_file_lz_begin(telem_i_file_lz *z, telem_i_file_codec *k, const uint8_t *src, size_t n) {
    uint32_t words = 2u * (k->cap + 1024u), bits = 4;
    memset(z, 0, sizeof *z);
    z->src = src, z->n = n, z->level = k->level;
    z->table = (uint32_t *)(void *)k->c64;
    z->ways = k->level == 1 ? 1u : k->level == 2 ? 16u : 2u;
    while (z->ways << (bits + 1u) <= words && (size_t)1 << bits < n) bits++;
    z->shift = 32u - bits;
    memset(z->table, 0, ((size_t)z->ways << bits) * sizeof z->table[0]);
    telem_i_file_lz_room(z, k);
}

static uint32_t *telem_i_file_lz_places(const telem_i_file_lz *z, size_t at) {
    return z->table + (size_t)((telem_get32(z->src + at) * 2654435761u) >> z->shift) * z->ways;
}

static void telem_i_file_lz_enter(const telem_i_file_lz *z, uint32_t *places, size_t at) {
    uint32_t i;
    for (i = z->ways - 1u; i > 0; i--) places[i] = places[i - 1u];
    places[0] = (uint32_t)at + 1u;
}

static size_t telem_i_file_common(const uint8_t *a, const uint8_t *b, const uint8_t *end) { /* a < b <= end */
    const uint8_t *from = b;
    while ((size_t)(end - b) >= 8) {
        uint64_t x = telem_get64(a) ^ telem_get64(b);
        if (x) return (size_t)(b - from) + (telem_i_file_low_bit(x) >> 3);
        a += 8;
        b += 8;
    }
    while (b < end && *a == *b) a++, b++;
    return (size_t)(b - from);
}

typedef struct telem_i_file_match {
    size_t len;
    uint32_t dist;
    int32_t worth; /* bits or so: what its bytes would cost less what it costs */
} telem_i_file_match;

/* The best match at `at`, which is entered; at + 4 <= n. */
static telem_i_file_match telem_i_file_lz_find(const telem_i_file_lz *z, size_t at) {
    telem_i_file_match m;
    uint32_t *places = telem_i_file_lz_places(z, at), word = telem_get32(z->src + at), i;
    m.len = 0, m.dist = 0, m.worth = 0;
    for (i = 0; i < z->ways && places[i]; i++) {
        size_t from = places[i] - 1u, len;
        int32_t worth;
        if (from >= at || telem_get32(z->src + from) != word) continue;
        len = 4u + telem_i_file_common(z->src + from + 4, z->src + at + 4, z->src + z->n);
        worth = (int32_t)(len > 4096 ? 4096 : len) * 5 - (int32_t)telem_i_file_bit_length((uint32_t)(at - from)) - 9;
        if (worth > m.worth) m.len = len, m.dist = (uint32_t)(at - from), m.worth = worth;
    }
    telem_i_file_lz_enter(z, places, at);
    return m;
}

static void telem_i_file_lz_literals(telem_i_file_lz *z) { /* from the anchor on */
    size_t n = z->at - z->anchor;
    memcpy(z->bytes + z->lits, z->src + z->anchor, n);
    z->lits += (uint32_t)n;
    z->anchor = z->at;
}

static void telem_i_file_lz_take(telem_i_file_lz *z, telem_i_file_match m) {
    size_t end = z->at + m.len, p = z->at + 1;
    z->run[z->seqs] = (uint32_t)(z->at - z->anchor);
    z->len[z->seqs] = (uint32_t)m.len - TELEM_I_FILE_LZ_MIN;
    z->dist[z->seqs++] = m.dist;
    telem_i_file_lz_literals(z);
    if (z->level == 1 && end > p + 1) p = end - 2;
    for (; p < end && p + 4 <= z->n; p++) telem_i_file_lz_enter(z, telem_i_file_lz_places(z, p), p);
    z->at = z->anchor = end;
}

/* A chunk's matches, each against the one that would begin a byte later. */
static void telem_i_file_lz_chunk(telem_i_file_lz *z) {
    size_t misses = 0, room;
    z->seqs = z->lits = 0;
    while (z->at + 4 <= z->n && z->seqs < TELEM_I_FILE_LZ_SEQS && z->lits + (z->at - z->anchor) + 1u < TELEM_I_FILE_LZ_LITS) {
        telem_i_file_match m = telem_i_file_lz_find(z, z->at), next;
        if (m.worth <= 0) {
            z->at += 1 + (z->level == 2 ? 0 : misses++ >> 6);
            continue;
        }
        misses = 0;
        while (z->level != 1 && z->at + 5 <= z->n && z->lits + (z->at - z->anchor) + 2u < TELEM_I_FILE_LZ_LITS) {
            next = telem_i_file_lz_find(z, z->at + 1);
            if (next.worth <= m.worth + 2) break;
            m = next, z->at++;
        }
        telem_i_file_lz_take(z, m);
    }
    room = TELEM_I_FILE_LZ_LITS - z->lits;
    if (z->seqs < TELEM_I_FILE_LZ_SEQS && z->at + 4 > z->n) z->at = z->n;
    if (z->at - z->anchor > room) z->at = z->anchor + room;
    telem_i_file_lz_literals(z);
}

/* Bytes, in chunks of literals and of copies of what was there before. */
static void telem_i_file_bytes_put(telem_i_file_codec *k, telem_i_file_sink *s, const uint8_t *src, size_t n) {
    telem_i_file_lz z;
    uint32_t i;
    telem_i_file_lz_begin(&z, k, src, n);
    while (z.at < n && !s->full) {
        if (k->off & TELEM_I_FILE_OFF_LZ) {
            z.lits = 0;
            z.at += n - z.at < TELEM_I_FILE_LZ_LITS ? n - z.at : TELEM_I_FILE_LZ_LITS;
            telem_i_file_lz_literals(&z);
        } else {
            telem_i_file_lz_chunk(&z);
        }
        for (i = 0; i < z.lits; i++) z.lit[i] = z.bytes[i];
        telem_i_file_sink_varint(s, z.seqs);
        telem_i_file_sink_varint(s, z.lits);
        if (z.lits) telem_i_file_sink_lone(k, s, z.lit, z.lits);
        if (z.seqs == 0) continue;
        telem_i_file_sink_lone(k, s, z.run, z.seqs);
        telem_i_file_sink_lone(k, s, z.len, z.seqs);
        telem_i_file_sink_lone(k, s, z.dist, z.seqs);
    }
}

/* Matches of a chunk carried out at out + *place; 0 corrupt. Distances and lengths are checked here. */
static int telem_i_file_lz_apply(const telem_i_file_lz *z, uint8_t *out, size_t *place, size_t n) {
    const uint8_t *lit = (const uint8_t *)z->lit, *lits_end = lit + z->lits;
    size_t at = *place;
    uint32_t i;
    for (i = 0; i < z->seqs; i++) {
        size_t run = z->run[i], len = (size_t)z->len[i] + TELEM_I_FILE_LZ_MIN, dist = z->dist[i], j;
        uint8_t *d = out + at;
        const uint8_t *from;
        if (run > (size_t)(lits_end - lit) || run > n - at || len > n - at - run) return 0;
        if (run <= 16 && n - at >= 16) memcpy(d, lit, 16); /* room for more literals lies behind them */
        else memcpy(d, lit, run);
        lit += run, d += run, at += run;
        if (dist == 0 || dist > at) return 0;
        from = d - dist;
        if (dist >= 16 && n - at >= len + 16) {
            memcpy(d, from, 16);
            for (j = 16; j < len; j += 16) memcpy(d + j, from + j, 16);
        } else if (dist >= len) memcpy(d, from, len);
        else for (j = 0; j < len; j++) d[j] = from[j];
        at += len;
    }
    if ((size_t)(lits_end - lit) > n - at) return 0;
    memcpy(out + at, lit, (size_t)(lits_end - lit));
    *place = at + (size_t)(lits_end - lit);
    return 1;
}

static int telem_i_file_bytes_take(telem_i_file_codec *k, telem_i_file_cursor *c, uint8_t *out, size_t n) {
    telem_i_file_lz z;
    size_t at = 0;
    uint32_t i;
    uint8_t *to;
    telem_i_file_lz_room(&z, k);
    to = (uint8_t *)z.lit;
    while (at < n) {
        z.seqs = (uint32_t)telem_i_file_take_limited(c, TELEM_I_FILE_LZ_SEQS);
        z.lits = (uint32_t)telem_i_file_take_limited(c, TELEM_I_FILE_LZ_LITS);
        if (c->bad || z.seqs + z.lits == 0) return 0;
        if (z.lits && !telem_i_file_take_ints(k, c, z.lits, z.lit)) return 0;
        for (i = 0; i < z.lits; i++) to[i] = (uint8_t)z.lit[i]; /* never beyond what was read */
        if (z.seqs && (!telem_i_file_take_ints(k, c, z.seqs, z.run) || !telem_i_file_take_ints(k, c, z.seqs, z.len) ||
                       !telem_i_file_take_ints(k, c, z.seqs, z.dist))) return 0;
        if (!telem_i_file_lz_apply(&z, out, &at, n)) return 0;
    }
    return telem_i_file_cursor_left(c) == 0;
}

/* >>columns-index: which of a few values each row has, numbered in order of first occurrence */

#define TELEM_I_FILE_FRONT 16u /* values that move to the front */
#define TELEM_I_FILE_SKIPS 4u  /* steps along "what came next the last time" */

/* The list of mode 1 is 16 nibbles, its front the lowest: each names a slot, and slots hold the numbers. Moving the one
   at place j to the front is then a few shifts, whatever j is. */
static uint64_t telem_i_file_to_front(uint64_t list, uint32_t j, uint64_t slot) {
    uint64_t before = ((uint64_t)1 << 4u * j) - 1u;
    return (list & ~(before << 4 | 15u)) | (list & before) << 4 | slot;
}

/* Each way turns idx into integers; a value that was not there before is the next number, so it has no name.
   slot_of: nd bytes of scratch. */
static void telem_i_file_front_put(const uint32_t *idx, uint32_t n, uint32_t nd, uint8_t *slot_of, uint32_t *v) {
    uint64_t list = 0xFEDCBA9876543210u, same;
    uint32_t held[TELEM_I_FILE_FRONT], seen = 0, i, j, slot;
    for (j = 0; j < TELEM_I_FILE_FRONT; j++) held[j] = UINT32_MAX;
    memset(slot_of, TELEM_I_FILE_FRONT, nd);
    for (i = 0; i < n; i++) {
        uint32_t x = idx[i];
        slot = slot_of[x];
        if (slot < TELEM_I_FILE_FRONT) {
            same = list ^ slot * 0x1111111111111111u; /* its nibble is the lowest that is 0 now */
            j = telem_i_file_low_bit((same - 0x1111111111111111u) & ~same & 0x8888888888888888u) / 4u;
            list = telem_i_file_to_front(list, j, slot);
            v[i] = j;
            continue;
        }
        v[i] = TELEM_I_FILE_FRONT + (x == seen ? 0u : 1u + x);
        seen += x == seen;
        slot = (uint32_t)(list >> 60);
        if (held[slot] != UINT32_MAX) slot_of[held[slot]] = TELEM_I_FILE_FRONT;
        held[slot] = x;
        slot_of[x] = (uint8_t)slot;
        list = list << 4 | slot;
    }
}

static int telem_i_file_front_get(const uint32_t *v, uint32_t n, uint32_t nd, uint32_t *idx) {
    uint64_t list = 0xFEDCBA9876543210u, slot;
    uint32_t held[TELEM_I_FILE_FRONT], seen = 0, i;
    memset(held, 0, sizeof held);
    for (i = 0; i < n; i++) {
        uint32_t x = v[i];
        if (x < TELEM_I_FILE_FRONT) {
            slot = list >> 4u * x & 15u;
            list = telem_i_file_to_front(list, x, slot);
            idx[i] = held[slot];
            continue;
        }
        if (x == TELEM_I_FILE_FRONT) x = seen++;
        else x -= TELEM_I_FILE_FRONT + 1u;
        if (x >= nd) return 0;
        slot = list >> 60;
        list = list << 4 | slot;
        idx[i] = held[slot] = x;
    }
    return 1;
}

/* next[x]: what followed x the last time. 0: that again; 1: new; 2..: further along the chain; else the number. */
static void telem_i_file_follow_put(const uint32_t *idx, uint32_t n, uint32_t nd, uint32_t *next, uint32_t *v) {
    uint32_t seen = 0, before = 0, i, j;
    memset(next, 0, (size_t)nd * sizeof next[0]);
    for (i = 0; i < n; i++) {
        uint32_t x = idx[i], at = next[before];
        if (x == seen) v[i] = 1, seen++;
        else {
            for (j = 0; j < TELEM_I_FILE_SKIPS && at != x; j++) at = next[at];
            v[i] = j == 0 ? 0 : j < TELEM_I_FILE_SKIPS ? j + 1u : TELEM_I_FILE_SKIPS + 1u + x;
        }
        next[before] = x;
        before = x;
    }
}

static int telem_i_file_follow_get(const uint32_t *v, uint32_t n, uint32_t nd, uint32_t *next, uint32_t *idx) {
    uint32_t seen = 0, before = 0, i;
    memset(next, 0, (size_t)nd * sizeof next[0]);
    for (i = 0; i < n; i++) {
        uint32_t x = v[i];
        if (x == 0) x = next[before];
        else if (x == 1) x = seen++;
        else if (x > TELEM_I_FILE_SKIPS) x -= TELEM_I_FILE_SKIPS + 1u;
        else {
            uint32_t at = next[before];
            while (--x) at = next[at];
            x = at;
        }
        if (x >= nd) return 0;
        idx[i] = x;
        next[before] = x;
        before = x;
    }
    return 1;
}

static size_t telem_i_file_index_try(telem_i_file_codec *k, uint32_t mode, const uint32_t *idx, uint32_t n, uint32_t nd,
                                     uint32_t *tmp, uint8_t *out, size_t cap) {
    if (mode == 1) telem_i_file_front_put(idx, n, nd, (uint8_t *)(tmp + n), tmp);
    if (mode == 2) telem_i_file_follow_put(idx, n, nd, tmp + n, tmp);
    if (mode == 3) return telem_i_file_ints32_encode(k, NULL, idx, n, out, cap);
    return telem_i_file_lone_encode(k, mode ? tmp : idx, n, out, cap);
}

/* About how many bits n values take without a predictor: small ones each by its count, large ones by eighths of
   octaves. The counts lie in `table`. */
static uint64_t telem_i_file_lone_bits(telem_i_file_codec *k, const uint32_t *v, uint32_t n) {
    uint32_t *count = (uint32_t *)k->table, i, b;
    uint64_t bits = 0, cost = 0;
    memset(count, 0, 272u * sizeof count[0]);
    for (i = 0; i < n; i++) {
        if (v[i] < 64u) {
            count[v[i]]++;
            continue;
        }
        b = telem_i_file_bit_length(v[i]);
        count[64u + (b - 7u) * 8u + (v[i] >> (b - 4u) & 7u)]++;
        bits += b - 4u;
    }
    for (i = 0; i < 272u; i++)
        if (count[i]) cost += (uint64_t)count[i] * (telem_i_file_log2(n) - telem_i_file_log2(count[i])) + 2560u;
    return bits + cost / 256u;
}

#define TELEM_I_FILE_GUESSED 4096u /* of more numbers than these, four windows are looked at */

/* The windows one behind the other, numbered afresh in order of first occurrence; returns how many numbers there are. */
static uint32_t telem_i_file_index_sample(const uint32_t *idx, uint32_t n, uint32_t nd, uint32_t *name, uint32_t *sample) {
    uint32_t w = TELEM_I_FILE_GUESSED / 4u, some = 0, i, j;
    memset(name, 0, (size_t)nd * sizeof name[0]);
    for (j = 0; j < 4; j++) {
        const uint32_t *from = idx + (n - w) / 3u * j;
        for (i = 0; i < w; i++) {
            if (name[from[i]] == 0) name[from[i]] = ++some;
            *sample++ = name[from[i]] - 1u;
        }
    }
    return some;
}

/* About how many bits a mode takes. *predict: a predictor helps in mode 0. */
static uint64_t telem_i_file_index_guess(telem_i_file_codec *k, uint32_t mode, const uint32_t *idx, uint32_t n, uint32_t nd,
                                         uint32_t *tmp, int *predict) {
    uint64_t alone, sampled;
    uint32_t *sample = k->b32, i, w = n < 1024u ? n : 64u, count = n < 1024u ? 1u : 16u;
    if (mode == 1) telem_i_file_front_put(idx, n, nd, (uint8_t *)(tmp + n), tmp);
    if (mode == 2) telem_i_file_follow_put(idx, n, nd, tmp + n, tmp);
    alone = telem_i_file_lone_bits(k, mode ? tmp : idx, n);
    if (mode) return alone;
    for (i = 0; i < count; i++) /* as they are a predictor may help: 16 windows tell */
        memcpy(sample + i * w, idx + (uint64_t)(n - w) * i / (count > 1u ? count - 1u : 1u), w * sizeof sample[0]);
    sampled = (uint64_t)telem_i_file_ints_estimate32(k, sample, count * w, w) * n / 16u;
    *predict = sampled < alone;
    return alone < sampled ? alone : sampled;
}

/* The mode that is likely to be the shortest; 3: mode 0 with a predictor. tmp: n + nd elements. */
static uint32_t telem_i_file_index_mode(telem_i_file_codec *k, const uint32_t *idx, uint32_t n, uint32_t nd, uint32_t *tmp) {
    static const uint64_t offs[3] = {0, TELEM_I_FILE_OFF_FRONT, TELEM_I_FILE_OFF_FOLLOW};
    static const uint32_t margin[3] = {6, 3, 64};
    uint64_t least = UINT64_MAX, bits;
    uint32_t mode, best = 0;
    int predict = 1;
    if (n > 2u * TELEM_I_FILE_GUESSED && k->level != 2) { /* tmp: sample, names, then what the guesses need */
        nd = telem_i_file_index_sample(idx, n, nd, tmp + TELEM_I_FILE_GUESSED, tmp);
        idx = tmp, n = TELEM_I_FILE_GUESSED, tmp += TELEM_I_FILE_GUESSED;
    }
    for (mode = 0; mode < 3; mode++) { /* in order of reading speed: a slower one must be that much smaller */
        if (k->off & offs[mode]) continue;
        bits = telem_i_file_index_guess(k, mode, idx, n, nd, tmp, &predict);
        if (least == UINT64_MAX || bits + bits / margin[k->level] < least) least = bits, best = mode;
    }
    return best == 0 && predict ? 3u : best;
}

#define TELEM_I_FILE_INDEX_LOOKS 16u /* blocks from one choice of the mode to the next */

/* Uses a64, b64, table; tmp is the caller's, n + nd elements. *kept: the mode, and for how many blocks more; NULL: it is
   looked for each time. */
static size_t telem_i_file_index_encode(telem_i_file_codec *k, uint32_t *kept, const uint32_t *idx, uint32_t n, uint32_t nd,
                                        uint32_t *tmp, uint8_t *out, size_t cap) {
    uint32_t mode;
    size_t size;
    if (cap < 2) return 0;
    if (kept && *kept >> 8) {
        mode = *kept & 3u;
        *kept -= 256u;
    } else {
        mode = telem_i_file_index_mode(k, idx, n, nd, tmp);
        if (kept) *kept = n < 1024u || k->level == 2 ? 0 : mode | TELEM_I_FILE_INDEX_LOOKS << 8;
    }
    out[0] = (uint8_t)(mode % 3u);
    size = telem_i_file_index_try(k, mode, idx, n, nd, tmp, out + 1, cap - 1);
    return size ? 1 + size : 0;
}

static int telem_i_file_index_decode(telem_i_file_codec *k, const uint8_t *p, size_t size, uint32_t n, uint32_t nd,
                                     uint32_t *idx) {
    uint32_t i, max = 0;
    uint8_t mode;
    if (size < 1 || nd == 0) return 0;
    mode = p[0];
    if (mode > 2 || !telem_i_file_ints32_decode(k, p + 1, size - 1, n, idx)) return 0;
    if (mode == 1) return telem_i_file_front_get(idx, n, nd, idx);
    if (mode == 2) return telem_i_file_follow_get(idx, n, nd, k->a32, idx);
    for (i = 0; i < n; i++) max = idx[i] > max ? idx[i] : max;
    return max < nd;
}

/* >>columns-strings */

static uint64_t telem_i_file_string_hash(const uint8_t *p, uint32_t n) {
    const uint64_t odd = 0x9E3779B97F4A7C15u;
    uint64_t h = n * odd, x;
    uint32_t i;
    for (i = 0; i + 8u < n; i += 8) {
        h = (h ^ telem_get64(p + i)) * odd;
        h ^= h >> 32;
    }
    if (n >= 8) x = telem_get64(p + n - 8u); /* the last ones, some of them again */
    else if (n >= 4) x = (uint64_t)telem_get32(p) << 32 | telem_get32(p + n - 4u);
    else x = n ? (uint64_t)p[0] << 16 | (uint64_t)p[n / 2u] << 8 | p[n - 1u] : 0;
    h = (h ^ x) * odd;
    return h ^ h >> 32;
}

static int telem_i_file_same_string(const uint8_t *a, const uint8_t *b, uint32_t n) {
    uint32_t i;
    if (n < 8) {
        if (n >= 4) return telem_get32(a) == telem_get32(b) && telem_get32(a + n - 4u) == telem_get32(b + n - 4u);
        return n == 0 || (a[0] == b[0] && a[n / 2u] == b[n / 2u] && a[n - 1u] == b[n - 1u]);
    }
    for (i = 0; i + 8u < n; i += 8)
        if (telem_get64(a + i) != telem_get64(b + i)) return 0;
    return telem_get64(a + n - 8u) == telem_get64(b + n - 8u);
}

typedef struct telem_i_file_short { /* a string of at most 8 bytes that was met: its hash and its length say all */
    uint64_t hash;
    uint32_t len, number;
} telem_i_file_short;
#define TELEM_I_FILE_SHORTS 128u

/* idx[i] = number of row i's string, first[d] = row of the first with number d. Returns how many there are,
   0 when there are more than max. The table of hashes lies in a64. */
static uint32_t telem_i_file_distinct(telem_i_file_codec *k, const uint8_t *bytes, const uint32_t *offsets, uint32_t n,
                                      uint32_t max, uint32_t *idx, uint32_t *first) {
    uint32_t *slots = k->a32, mask = (1u << (telem_i_file_bit_length(2u * (k->cap + 1024u)) - 1u)) - 1u, nd = 0, before = 0, i;
    telem_i_file_short met[TELEM_I_FILE_SHORTS];
    while (mask + 1u > 4u * n && mask > 255u) mask >>= 1;
    if (max > mask / 4u * 3u) max = mask / 4u * 3u;
    memset(slots, 0, ((size_t)mask + 1u) * sizeof slots[0]);
    memset(met, 0xFF, sizeof met);
    for (i = 0; i < n; i++) {
        const uint8_t *p = bytes + offsets[i];
        uint32_t len = offsets[i + 1] - offsets[i], at;
        uint64_t hash;
        telem_i_file_short *same;
        if (len > 8u && i > 0 && len == before && telem_i_file_same_string(p - len, p, len)) { /* the row before's, which
                                                                                                 lies before it */
            idx[i] = idx[i - 1u];
            continue;
        }
        before = len;
        hash = telem_i_file_string_hash(p, len);
        same = met + hash % TELEM_I_FILE_SHORTS;
        if (same->hash == hash && same->len == len) {
            idx[i] = same->number;
            continue;
        }
        for (at = (uint32_t)(hash & mask); slots[at]; at = (at + 1u) & mask) {
            uint32_t row = first[slots[at] - 1u];
            if (offsets[row + 1] - offsets[row] == len && telem_i_file_same_string(bytes + offsets[row], p, len)) break;
        }
        if (!slots[at]) {
            if (nd == max) return 0;
            first[nd] = i;
            slots[at] = ++nd;
        }
        idx[i] = slots[at] - 1u;
        if (len <= 8u) same->hash = hash, same->len = len, same->number = idx[i];
    }
    return nd;
}

/* The strings picked (pick NULL: all) one behind the other into k->text; their lengths as u32 at its end. Returns their
   bytes, or SIZE_MAX: no room. */
static size_t telem_i_file_list_gather(telem_i_file_codec *k, const uint8_t *bytes, const uint32_t *offsets,
                                       const uint32_t *pick, uint32_t n, uint32_t **lengths) {
    size_t room = k->text_size / 4u * 4u, at = 0;
    uint32_t i;
    if (k->text == NULL || room / 4u < n) return SIZE_MAX;
    room -= (size_t)n * 4u;
    *lengths = (uint32_t *)(void *)(k->text + room);
    for (i = 0; i < n; i++) {
        uint32_t row = pick ? pick[i] : i, len = offsets[row + 1] - offsets[row];
        if (room - at < len) return SIZE_MAX;
        memcpy(k->text + at, bytes + offsets[row], len);
        at += len;
        (*lengths)[i] = len;
    }
    return at;
}

/* ---- form 1: strings that are one pattern with numbers in it (dotted addresses, dates, names with a counter) ---- */

#define TELEM_I_FILE_FIELDS 4u /* numbers at most: their values fill the scratch */
#define TELEM_I_FILE_DIGITS 9u

typedef struct telem_i_file_pattern {
    const uint8_t *text[TELEM_I_FILE_FIELDS + 1u]; /* before each number, and behind the last */
    uint32_t size[TELEM_I_FILE_FIELDS + 1u], fields;
    uint32_t least[TELEM_I_FILE_FIELDS], most[TELEM_I_FILE_FIELDS], zeros[TELEM_I_FILE_FIELDS];
    uint32_t width[TELEM_I_FILE_FIELDS]; /* digits; 0: as many as it takes */
} telem_i_file_pattern;

static int telem_i_file_is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

static int telem_i_file_pattern_of(telem_i_file_pattern *t, const uint8_t *p, uint32_t n) {
    uint32_t at = 0, from;
    memset(t, 0, sizeof *t);
    for (;;) {
        for (from = at; at < n && !telem_i_file_is_digit(p[at]); at++) {}
        t->text[t->fields] = p + from;
        t->size[t->fields] = at - from;
        if (at - from > 255u) return 0;
        if (at == n) return t->fields > 0;
        if (t->fields == TELEM_I_FILE_FIELDS) return 0;
        for (; at < n && telem_i_file_is_digit(p[at]); at++) {}
        t->least[t->fields++] = UINT32_MAX;
    }
}

/* The numbers of a string; 0: it is not of the pattern. */
static int telem_i_file_pattern_read(telem_i_file_pattern *t, const uint8_t *p, uint32_t n, uint32_t *v) {
    uint32_t f, at = 0, from;
    for (f = 0; f <= t->fields; f++) {
        if (n - at < t->size[f] || memcmp(p + at, t->text[f], t->size[f]) != 0) return 0;
        at += t->size[f];
        if (f == t->fields) break;
        for (from = at, v[f] = 0; at < n && at - from < TELEM_I_FILE_DIGITS && telem_i_file_is_digit(p[at]); at++)
            v[f] = v[f] * 10u + (uint32_t)(p[at] - '0');
        if (at == from) return 0;
        if (at - from < t->least[f]) t->least[f] = at - from;
        if (at - from > t->most[f]) t->most[f] = at - from;
        t->zeros[f] |= at - from > 1u && p[from] == '0';
    }
    return at == n;
}

/* Place of the values of field f: c64 and bytes hold two each. */
static uint32_t *telem_i_file_pattern_values(telem_i_file_codec *k, uint32_t f, uint32_t n) {
    return (uint32_t *)(void *)(f < 2 ? (uint8_t *)k->c64 : k->bytes) + (size_t)(f & 1u) * n;
}

/* The n strings in k->text. Answers 0 when they are not of one pattern. */
static int telem_i_file_pattern_put(telem_i_file_codec *k, telem_i_file_sink *s, uint32_t n, const uint32_t *lengths) {
    telem_i_file_pattern t;
    uint32_t i, f, v[TELEM_I_FILE_FIELDS];
    size_t at = 0;
    if (n < 8 || (k->off & TELEM_I_FILE_OFF_TEMPLATE) || !telem_i_file_pattern_of(&t, k->text, lengths[0])) return 0;
    for (i = 0; i < n; at += lengths[i++]) {
        if (!telem_i_file_pattern_read(&t, k->text + at, lengths[i], v)) return 0;
        for (f = 0; f < t.fields; f++) telem_i_file_pattern_values(k, f, n)[i] = v[f];
    }
    telem_i_file_sink_byte(s, 1);
    telem_i_file_sink_byte(s, t.fields);
    for (f = 0; f <= t.fields; f++) {
        telem_i_file_sink_byte(s, t.size[f]);
        telem_i_file_sink_bytes(s, t.text[f], t.size[f]);
        if (f == t.fields) break;
        if (t.zeros[f] && t.least[f] != t.most[f]) return 0;
        telem_i_file_sink_byte(s, t.zeros[f] ? t.most[f] : 0);
    }
    for (f = 0; f < t.fields; f++) telem_i_file_sink_ints(k, s, telem_i_file_pattern_values(k, f, n), n);
    return !s->full;
}

static int telem_i_file_pattern_head(telem_i_file_cursor *c, telem_i_file_pattern *t) {
    uint32_t f;
    t->fields = telem_i_file_take_byte(c);
    if (c->bad || t->fields == 0 || t->fields > TELEM_I_FILE_FIELDS) return 0;
    for (f = 0; f <= t->fields; f++) {
        t->size[f] = telem_i_file_take_byte(c);
        t->text[f] = telem_i_file_take_bytes(c, t->size[f]);
        if (f < t->fields) t->width[f] = telem_i_file_take_byte(c);
        if (c->bad || (f < t->fields && t->width[f] > TELEM_I_FILE_DIGITS)) return 0;
    }
    return 1;
}

/* v in `width` digits (0: as many as it takes) at p, of which `room` bytes are free. Returns how many, 0: no room. */
static uint32_t telem_i_file_digits_put(uint8_t *p, size_t room, uint32_t v, uint32_t width) {
    uint32_t need = 1, x = v, i;
    while (x >= 10) x /= 10u, need++;
    if (width && need > width) return 0;
    if (width) need = width;
    if (need > room) return 0;
    for (i = need; i-- > 0; v /= 10u) p[i] = (uint8_t)('0' + v % 10u);
    return need;
}

static int telem_i_file_pattern_take(telem_i_file_codec *k, telem_i_file_cursor *c, uint32_t n, size_t total, uint8_t *out,
                                     uint32_t *starts) {
    telem_i_file_pattern t;
    uint32_t i, f, digits;
    size_t at = 0;
    if (!telem_i_file_pattern_head(c, &t)) return 0;
    for (f = 0; f < t.fields; f++)
        if (!telem_i_file_take_ints(k, c, n, telem_i_file_pattern_values(k, f, n))) return 0;
    for (i = 0; i < n; i++) {
        starts[i] = (uint32_t)at;
        for (f = 0; f <= t.fields; f++) {
            if (t.size[f] > total - at) return 0;
            memcpy(out + at, t.text[f], t.size[f]);
            at += t.size[f];
            if (f == t.fields) break;
            digits = telem_i_file_digits_put(out + at, total - at, telem_i_file_pattern_values(k, f, n)[i], t.width[f]);
            if (digits == 0) return 0;
            at += digits;
        }
    }
    starts[n] = (uint32_t)at;
    return at == total && telem_i_file_cursor_left(c) == 0;
}

/* Form 0 of the n strings that were gathered. */
static void telem_i_file_list_text(telem_i_file_codec *k, telem_i_file_sink *s, uint32_t n, size_t total, const uint32_t *lengths) {
    telem_i_file_sink_byte(s, 0);
    telem_i_file_sink_ints(k, s, lengths, n);
    telem_i_file_bytes_put(k, s, k->text, total);
}

static void telem_i_file_list_put(telem_i_file_codec *k, telem_i_file_sink *s, uint32_t n, size_t total, const uint32_t *lengths) {
    telem_i_file_sink t = *s, other;
    size_t size, used;
    if (!telem_i_file_pattern_put(k, &t, n, lengths)) {
        telem_i_file_list_text(k, s, n, total, lengths);
        return;
    }
    if (k->level != 2) {
        *s = t;
        return;
    }
    size = (size_t)(t.p - s->p);
    other = telem_i_file_sink_make(t.p, size < (size_t)(t.end - t.p) ? size : (size_t)(t.end - t.p));
    telem_i_file_list_text(k, &other, n, total, lengths);
    used = (size_t)(other.p - t.p);
    if (!other.full) memmove(s->p, t.p, used);
    s->p += other.full ? size : used;
}

/* n strings of `total` bytes in all into `out`: string i lies at at[i], at[n] = total. */
static int telem_i_file_list_take(telem_i_file_codec *k, telem_i_file_cursor *c, uint32_t n, size_t total, uint8_t *out, uint32_t *at) {
    uint8_t form = telem_i_file_take_byte(c);
    size_t sum = 0;
    uint32_t i;
    if (c->bad || form > 1) return 0;
    if (form) return telem_i_file_pattern_take(k, c, n, total, out, at);
    if (!telem_i_file_take_ints(k, c, n, at + 1)) return 0;
    at[0] = 0;
    for (i = 1; i <= n; i++) {
        if (at[i] > total - sum) return 0;
        sum += at[i];
        at[i] = (uint32_t)sum;
    }
    return sum == total && telem_i_file_bytes_take(k, c, out, total);
}

static size_t telem_i_file_list_encode(telem_i_file_codec *k, const uint8_t *bytes, const uint32_t *offsets, uint32_t n,
                                       uint8_t *out, size_t cap) {
    telem_i_file_sink s = telem_i_file_sink_make(out, cap);
    uint32_t *lengths;
    size_t total = telem_i_file_list_gather(k, bytes, offsets, NULL, n, &lengths);
    if (total == SIZE_MAX) return 0;
    telem_i_file_sink_varint(&s, total);
    telem_i_file_list_put(k, &s, n, total, lengths);
    return s.full ? 0 : (size_t)(s.p - out);
}

/* idx lies in c64's lower half. */
static size_t telem_i_file_dictionary_encode(telem_i_file_codec *k, uint32_t *kept, const uint8_t *bytes, const uint32_t *offsets,
                                             uint32_t n, uint32_t nd, const uint32_t *idx, const uint32_t *first,
                                             uint8_t *out, size_t cap) {
    telem_i_file_sink s = telem_i_file_sink_make(out, cap);
    uint32_t *lengths;
    uint8_t *at;
    size_t room, total = telem_i_file_list_gather(k, bytes, offsets, first, nd, &lengths);
    if (total == SIZE_MAX) return 0;
    telem_i_file_sink_varint(&s, nd);
    telem_i_file_sink_varint(&s, total);
    at = telem_i_file_sink_ahead(&s, &room);
    telem_i_file_sink_sized(&s, room ? telem_i_file_index_encode(k, kept, idx, n, nd, (uint32_t *)(void *)k->bytes, at, room) : 0);
    telem_i_file_list_put(k, &s, nd, total, lengths);
    return s.full ? 0 : (size_t)(s.p - out);
}

static size_t telem_i_file_text_encode(telem_i_file_codec *k, telem_i_file_choice *st, const uint8_t *bytes,
                                       const uint32_t *offsets, uint32_t n, uint8_t *codec, uint8_t *out, size_t cap) {
    uint32_t *idx = (uint32_t *)(void *)k->c64, nd = 0;
    if (!(k->off & TELEM_I_FILE_OFF_DICTIONARY)) nd = telem_i_file_distinct(k, bytes, offsets, n, n - n / 8u, idx, k->b32);
    if (nd) {
        size_t size = telem_i_file_dictionary_encode(k, st ? st->front : NULL, bytes, offsets, n, nd, idx, k->b32, out, cap);
        *codec = TELEM_I_FILE_TEXT_DICTIONARY;
        if (size) return size;
    }
    *codec = TELEM_I_FILE_TEXT_LIST;
    return telem_i_file_list_encode(k, bytes, offsets, n, out, cap);
}

/* A copy that may write up to 15 bytes more, which the caller has room for; what it reads too much may overlap that. */
static inline void telem_i_file_copy16(uint8_t *d, const uint8_t *s, uint32_t n) {
    uint8_t piece[16];
    uint32_t i;
    memcpy(piece, s, 16);
    memcpy(d, piece, 16);
    for (i = 16; i < n; i += 16) {
        memcpy(piece, s + i, 16);
        memcpy(d + i, piece, 16);
    }
}

/* The same with up to 31 bytes more: most strings are that short, and a loop's end is hard to foresee. */
static inline void telem_i_file_copy32(uint8_t *d, const uint8_t *s, uint32_t n) {
    uint8_t piece[32];
    uint32_t i;
    memcpy(piece, s, 32);
    memcpy(d, piece, 32);
    for (i = 32; i < n; i += 32) {
        memcpy(piece, s + i, 32);
        memcpy(d + i, piece, 32);
    }
}

/* Strings as they were read: row i has string from[i] (from NULL: i), string k lies from at[k] to at[k + 1]. Behind the
   bytes there are 32 that may be read (16 where they are the state's). */
typedef struct telem_i_file_texts {
    const uint8_t *bytes;
    const uint32_t *at, *from;
    uint32_t count, one; /* strings; all rows are string 0 */
    uint32_t shortest, longest; /* of the strings */
} telem_i_file_texts;

static uint32_t telem_i_file_text_of(const telem_i_file_texts *t, uint32_t i) { return t->one ? 0 : t->from ? t->from[i] : i; }
static uint32_t telem_i_file_text_length(const telem_i_file_texts *t, uint32_t k) { return t->at[k + 1u] - t->at[k]; }

/* How many strings an item has and the bytes of them together: 1, 0 corrupt, -1 unsupported. */
static int telem_i_file_text_head(uint8_t codec, telem_i_file_cursor *c, uint32_t n, uint32_t *count, size_t *total) {
    if (codec != TELEM_I_FILE_TEXT_LIST && codec != TELEM_I_FILE_TEXT_DICTIONARY) return -1;
    *count = codec == TELEM_I_FILE_TEXT_LIST ? n : (uint32_t)telem_i_file_take_limited(c, n);
    *total = (size_t)telem_i_file_take_limited(c, UINT32_MAX / 2u);
    return !c->bad && *count > 0;
}

/* Behind the head: the strings into `bytes` (total + 16), at (count + 1), idx (n; only for a dictionary). */
static int telem_i_file_text_decode(telem_i_file_codec *k, uint8_t codec, telem_i_file_cursor *c, uint32_t n, size_t total,
                                    uint8_t *bytes, uint32_t *at, uint32_t *idx, telem_i_file_texts *t) {
    if (codec == TELEM_I_FILE_TEXT_DICTIONARY) {
        size_t size = (size_t)telem_i_file_take_limited(c, UINT32_MAX);
        const uint8_t *index = telem_i_file_take_bytes(c, size);
        if (c->bad || !telem_i_file_index_decode(k, index, size, n, t->count, idx)) return 0;
        t->from = idx;
    }
    t->bytes = bytes;
    t->at = at;
    return telem_i_file_list_take(k, c, t->count, total, bytes, at);
}

/* >>columns-planes: values of a few bytes each as that many streams */

/* Byte j of value i stands at p[i * width + j]; `flip` counts j from the far end (native values of a big-endian
   host: plane 0 is always the lowest byte). Uses a64, b64, table; tmp is the caller's, n elements. */
static size_t telem_i_file_planes_encode(telem_i_file_codec *k, const uint8_t *p, uint32_t width, int flip, uint32_t n,
                                         uint32_t *tmp, uint8_t *out, size_t cap) {
    telem_i_file_sink s = telem_i_file_sink_make(out, cap);
    uint32_t j, i;
    for (j = 0; j < width && !s.full; j++) {
        const uint8_t *from = p + (flip ? width - 1u - j : j);
        for (i = 0; i < n; i++) tmp[i] = from[(size_t)i * width];
        telem_i_file_sink_ints(k, &s, tmp, n);
    }
    return s.full ? 0 : (size_t)(s.p - out);
}

static int telem_i_file_planes_decode(telem_i_file_codec *k, const uint8_t *p, size_t size, uint32_t width, int flip,
                                      uint32_t n, uint32_t *tmp, uint8_t *out) {
    telem_i_file_cursor c;
    uint32_t j, i;
    c.p = p, c.end = p + size, c.bad = 0;
    for (j = 0; j < width; j++) {
        uint8_t *to = out + (flip ? width - 1u - j : j);
        if (!telem_i_file_take_ints(k, &c, n, tmp)) return 0;
        for (i = 0; i < n; i++) to[(size_t)i * width] = (uint8_t)tmp[i];
    }
    return telem_i_file_cursor_left(&c) == 0;
}

/* >>columns-keys: rows of interleaved sources, put together by source

   A key's index numbers the tuples of its members' values in order of first occurrence. place[row] is where a row
   goes when rows are sorted by that number, stably; the order follows from the index, so it is not stored. */

#define TELEM_I_FILE_KEY_ROWS 1024u      /* looked at when keys are sought */
#define TELEM_I_FILE_KEY_LEAST 512u      /* fewer rows are not worth it */
#define TELEM_I_FILE_KEY_FIRST 8192u     /* a stream's first block must have so many to be looked at */
#define TELEM_I_FILE_KEY_CANDIDATES 5u
#define TELEM_I_FILE_KEY_COLUMNS 64u     /* columns of a stream that are considered */
#define TELEM_I_FILE_KEY_TEXTS 16u       /* of strings */

/* A column of the rows at hand: n values of `width` bytes, native; or strings (width 0). */
typedef struct telem_i_file_view {
    const uint8_t *values;
    const uint32_t *offsets;
    uint32_t width;
    uint8_t type, flags; /* telem_type; TELEM_INDEX.. of the field */
} telem_i_file_view;

/* Shows column `column` of the first n rows until the next call (n 0: only what it is); 0: it cannot be had (then it
   is left out). */
typedef int (*telem_i_file_viewer)(void *user, uint32_t column, uint32_t n, telem_i_file_view *view);

/* The n values as integers. */
static void telem_i_file_view_values(const telem_i_file_view *v, uint32_t n, uint64_t *x) {
    const uint8_t *p = v->values;
    uint16_t x16;
    uint32_t x32, i;
    switch (v->width) {
    case 1: for (i = 0; i < n; i++) x[i] = p[i]; break;
    case 2: for (i = 0; i < n; i++) memcpy(&x16, p + 2u * (size_t)i, 2), x[i] = x16; break;
    case 4: for (i = 0; i < n; i++) memcpy(&x32, p + 4u * (size_t)i, 4), x[i] = x32; break;
    default: memcpy(x, p, 8u * (size_t)n); break;
    }
}

static uint32_t telem_i_file_slots(const telem_i_file_codec *k, uint32_t n) { /* of a hash in a64: a power of two */
    uint32_t most = 1u << (telem_i_file_bit_length(2u * (k->cap + 1024u)) - 1u), want = 512;
    while (want < 4u * n && want < most) want <<= 1;
    return want;
}

/* Numbers the n values in c64 in order of first occurrence; 0: more than max. */
static uint32_t telem_i_file_number(telem_i_file_codec *k, uint32_t n, uint32_t max, uint32_t *idx) {
    uint32_t *slots = k->a32, mask = telem_i_file_slots(k, n) - 1u, nd = 0, i;
    const uint64_t *v = k->c64;
    uint64_t *seen = k->b64;
    if (max > mask / 4u * 3u) max = mask / 4u * 3u;
    memset(slots, 0, ((size_t)mask + 1u) * sizeof slots[0]);
    for (i = 0; i < n; i++) {
        uint64_t x = v[i];
        uint32_t at = (uint32_t)((x * 0x9E3779B97F4A7C15u) >> 40) & mask;
        while (slots[at] && seen[slots[at] - 1u] != x) at = (at + 1u) & mask;
        if (!slots[at]) {
            if (nd == max) return 0;
            seen[nd] = x;
            slots[at] = ++nd;
        }
        idx[i] = slots[at] - 1u;
    }
    return nd;
}

/* The same for a column; uses a64, b64, c64. */
static uint32_t telem_i_file_number_column(telem_i_file_codec *k, const telem_i_file_view *v, uint32_t n, uint32_t max, uint32_t *idx) {
    if (v->width == 0) return telem_i_file_distinct(k, v->values, v->offsets, n, max, idx, k->b32);
    telem_i_file_view_values(v, n, k->c64);
    return telem_i_file_number(k, n, max, idx);
}

/* idx becomes the number of the pairs (idx, more). */
static uint32_t telem_i_file_number_pairs(telem_i_file_codec *k, uint32_t *idx, const uint32_t *more, uint32_t n, uint32_t max) {
    uint32_t i;
    for (i = 0; i < n; i++) k->c64[i] = (uint64_t)idx[i] << 32 | more[i];
    return telem_i_file_number(k, n, max, idx);
}

/* The values of `members` columns of numbers, of 8 bytes together at most, side by side in c64; 0: they are not that. */
static int telem_i_file_key_words(telem_i_file_codec *k, telem_i_file_viewer show, void *user, const uint32_t *member,
                                  uint32_t members, uint32_t n) {
    telem_i_file_view v;
    uint32_t m, i, bits = 0;
    for (m = 0; m < members; m++) {
        if (!show(user, member[m], 0, &v) || v.width == 0) return 0;
        bits += 8u * v.width;
    }
    if (bits > 64u) return 0;
    for (bits = 0, m = 0; m < members; m++, bits += 8u * v.width) {
        uint64_t *to = m ? k->b64 : k->c64;
        if (!show(user, member[m], n, &v)) return 0;
        telem_i_file_view_values(&v, n, to);
        for (i = 0; m && i < n; i++) k->c64[i] |= to[i] << bits;
    }
    return 1;
}

/* The index of a key with these members: idx[n]. Returns how many tuples there are, 0: none. Uses a64 b64 c64 bytes. */
static uint32_t telem_i_file_key_index(telem_i_file_codec *k, telem_i_file_viewer show, void *user, const uint32_t *member,
                                       uint32_t members, uint32_t n, uint32_t *idx) {
    uint32_t *more = (uint32_t *)(void *)k->bytes, nd = 0, m;
    if (telem_i_file_key_words(k, show, user, member, members, n)) return telem_i_file_number(k, n, n, idx);
    for (m = 0; m < members; m++) {
        telem_i_file_view v;
        if (!show(user, member[m], n, &v)) return 0;
        nd = telem_i_file_number_column(k, &v, n, n, m ? more : idx);
        if (nd && m) nd = telem_i_file_number_pairs(k, idx, more, n, n);
        if (nd == 0) return 0;
    }
    return nd;
}

/* The row of each number's first occurrence. */
static void telem_i_file_key_firsts(const uint32_t *idx, uint32_t n, uint32_t *first) {
    uint32_t seen = 0, i;
    for (i = 0; i < n; i++)
        if (idx[i] == seen) first[seen++] = i;
}

/* 1 when the numbers come in order of first occurrence, all nd of them: what a reader checks. */
static int telem_i_file_key_valid(const uint32_t *idx, uint32_t n, uint32_t nd) {
    uint32_t seen = 0, i;
    for (i = 0; i < n; i++) {
        if (idx[i] > seen) return 0;
        seen += idx[i] == seen;
    }
    return seen == nd;
}

/* place[row] of the stable counting sort by idx (all below nd). `count` is scratch of nd elements. */
static void telem_i_file_key_places(const uint32_t *idx, uint32_t n, uint32_t nd, uint32_t *count, uint32_t *place) {
    uint32_t i, at = 0;
    memset(count, 0, (size_t)nd * sizeof count[0]);
    for (i = 0; i < n; i++) count[idx[i]]++;
    for (i = 0; i < nd; i++) {
        uint32_t c = count[i];
        count[i] = at;
        at += c;
    }
    for (i = 0; i < n; i++) place[i] = count[idx[i]]++;
}

/* Rows to grouped order and back: width 1, 2, 4 or 8. `to` and `from` do not overlap. */
static void telem_i_file_group(uint32_t width, const uint32_t *place, uint32_t n, const uint8_t *from, uint8_t *to) {
    uint32_t i;
    switch (width) {
    case 1: for (i = 0; i < n; i++) to[place[i]] = from[i]; break;
    case 2: for (i = 0; i < n; i++) memcpy(to + (size_t)place[i] * 2u, from + (size_t)i * 2u, 2); break;
    case 4: for (i = 0; i < n; i++) memcpy(to + (size_t)place[i] * 4u, from + (size_t)i * 4u, 4); break;
    default: for (i = 0; i < n; i++) memcpy(to + (size_t)place[i] * 8u, from + (size_t)i * 8u, 8); break;
    }
}
static void telem_i_file_ungroup(uint32_t width, const uint32_t *place, uint32_t n, const uint8_t *from, uint8_t *to) {
    uint32_t i;
    switch (width) {
    case 1: for (i = 0; i < n; i++) to[i] = from[place[i]]; break;
    case 2: for (i = 0; i < n; i++) memcpy(to + (size_t)i * 2u, from + (size_t)place[i] * 2u, 2); break;
    case 4: for (i = 0; i < n; i++) memcpy(to + (size_t)i * 4u, from + (size_t)place[i] * 4u, 4); break;
    default: for (i = 0; i < n; i++) memcpy(to + (size_t)i * 8u, from + (size_t)place[i] * 8u, 8); break;
    }
}

/* Strings in grouped order: `to` and `to_offsets` get them; row is scratch of n elements. */
static void telem_i_file_group_strings(const uint32_t *place, uint32_t n, const uint8_t *from, const uint32_t *offsets,
                                       uint32_t *row, uint8_t *to, uint32_t *to_offsets) {
    uint32_t i, at = 0;
    for (i = 0; i < n; i++) row[place[i]] = i;
    for (i = 0; i < n; i++) {
        uint32_t len = offsets[row[i] + 1] - offsets[row[i]];
        memcpy(to + at, from + offsets[row[i]], len);
        to_offsets[i] = at;
        at += len;
    }
    to_offsets[n] = at;
}

/* ---- which columns are keys: told by what neighbours cost in row order and in grouped order ---- */

typedef struct telem_i_file_grouping {
    struct {
        uint32_t member[8], members;
    } key[8];
    uint32_t keys;
    uint32_t column[TELEM_I_FILE_KEY_COLUMNS]; /* columns that are worth trying in the order.. */
    uint8_t by[TELEM_I_FILE_KEY_COLUMNS];      /* ..of this key */
    uint32_t columns;
} telem_i_file_grouping;

/* Candidates' indices lie in bytes, the sample of a column in b64, an order in table. */
typedef struct telem_i_file_sources {
    telem_i_file_codec *k;
    telem_i_file_viewer show;
    void *user;
    uint32_t n;                        /* rows looked at */
    uint32_t candidate[TELEM_I_FILE_KEY_CANDIDATES], distinct[TELEM_I_FILE_KEY_CANDIDATES], candidates;
    uint32_t column[TELEM_I_FILE_KEY_COLUMNS], columns; /* columns that are not constant */
    uint32_t row[TELEM_I_FILE_KEY_COLUMNS];             /* their cost in row order */
    uint32_t best[TELEM_I_FILE_KEY_COLUMNS];            /* in the best order so far */
    uint8_t by[TELEM_I_FILE_KEY_COLUMNS];               /* 1 + the key of that order; 0: row order */
    uint8_t member[TELEM_I_FILE_KEY_COLUMNS];           /* of a key: not grouped */
    uint32_t text[TELEM_I_FILE_KEY_TEXTS], texts;       /* columns of strings: their numbers are kept behind the indices */
} telem_i_file_sources;

static uint16_t *telem_i_file_sources_index(const telem_i_file_sources *s, uint32_t candidate) {
    return (uint16_t *)(void *)s->k->bytes + (size_t)candidate * s->n;
}

/* Bits that y takes behind x, roughly: by difference, or (whole: not floats) by the bytes that differ. */
static uint32_t telem_i_file_step_cost(uint64_t x, uint64_t y, int whole) {
    uint64_t d = y - x, b = x ^ y;
    uint32_t by_step, by_bytes = 0;
    if (d == 0) return 1;
    d = (d << 1) ^ (0u - (d >> 63));
    by_step = telem_i_file_bit_length(d) + 2u;
    if (!whole) return by_step;
    for (; b; b >>= 8) by_bytes += b & 255u ? 7u : 0u;
    return by_step < by_bytes + 2u ? by_step : by_bytes + 2u;
}

/* The numbers of a column of strings; they are found once. NULL: not to be had. */
static const uint16_t *telem_i_file_sources_text(telem_i_file_sources *s, uint32_t column) {
    uint32_t *idx = (uint32_t *)(void *)s->k->c64, i, at;
    telem_i_file_view v;
    uint16_t *to;
    for (at = 0; at < s->texts && s->text[at] != column; at++) {}
    if (at == TELEM_I_FILE_KEY_TEXTS) at--;
    to = telem_i_file_sources_index(s, TELEM_I_FILE_KEY_CANDIDATES + 1u + at);
    if (at < s->texts && s->text[at] == column) return to;
    if (!s->show(s->user, column, s->n, &v)) return NULL;
    if (!telem_i_file_distinct(s->k, v.values, v.offsets, s->n, s->n, idx, s->k->b32)) return NULL;
    for (i = 0; i < s->n; i++) to[i] = (uint16_t)idx[i];
    s->text[at] = column;
    if (at == s->texts) s->texts++;
    return to;
}

/* The sample of a column as integers in b64; strings as numbers with far steps. 0: not to be had or constant. */
static int telem_i_file_sources_load(telem_i_file_sources *s, uint32_t column, telem_i_file_view *v) {
    uint64_t *x = s->k->b64, any = 0, top;
    const uint16_t *text;
    uint32_t i;
    if (!s->show(s->user, column, 0, v)) return 0;
    if (v->width == 0) {
        text = telem_i_file_sources_text(s, column);
        if (!text) return 0;
        for (i = 0; i < s->n; i++) x[i] = (uint64_t)text[i] * 0x0101u;
    } else {
        if (!s->show(s->user, column, s->n, v)) return 0;
        telem_i_file_view_values(v, s->n, x);
        top = (uint64_t)1 << (8u * v->width - 1u);
        if (v->type >= TELEM_F16 && v->type <= TELEM_F64) /* keep the order of floats */
            for (i = 0; i < s->n; i++) x[i] = x[i] & top ? 0u - (x[i] & ~top) : x[i];
        else if (v->type >= TELEM_I8 && v->type <= TELEM_I64)
            for (i = 0; i < s->n; i++) x[i] = (x[i] ^ top) - top;
    }
    for (i = 1; i < s->n; i++) any |= x[i] ^ x[0];
    return any != 0;
}

static uint32_t telem_i_file_sources_cost(const telem_i_file_sources *s, const telem_i_file_view *v, const uint16_t *order) {
    const uint64_t *x = s->k->b64;
    uint32_t i, cost = 0;
    int whole = v->type < TELEM_F16 || v->type > TELEM_F64;
    uint64_t before = x[order ? order[0] : 0];
    for (i = 1; i < s->n; i++) {
        uint64_t now = x[order ? order[i] : i];
        cost += telem_i_file_step_cost(before, now, whole);
        before = now;
    }
    return cost;
}

/* order[place] = row for an index of u16 numbers. */
static void telem_i_file_sources_order(const uint16_t *idx, uint32_t n, uint16_t *order) {
    uint16_t count[TELEM_I_FILE_KEY_ROWS + 1];
    uint32_t i;
    memset(count, 0, sizeof count);
    for (i = 0; i < n; i++) count[idx[i] + 1u]++;
    for (i = 0; i < TELEM_I_FILE_KEY_ROWS; i++) count[i + 1] = (uint16_t)(count[i + 1] + count[i]);
    for (i = 0; i < n; i++) order[count[idx[i]]++] = (uint16_t)i;
}

/* Few values that change from row to row: a candidate. Its index is kept as u16. */
static void telem_i_file_sources_candidate(telem_i_file_sources *s, uint32_t column, const telem_i_file_view *v) {
    uint32_t *idx = (uint32_t *)(void *)(s->k->c64 + s->n), nd, i, changes = 0, at; /* behind what is numbered */
    if ((v->type >= TELEM_F16 && v->type <= TELEM_F64) || v->width > 4) return;
    if (v->width == 0) {
        const uint16_t *text = telem_i_file_sources_text(s, column);
        for (nd = 0, i = 0; i < s->n; i++) idx[i] = text[i], nd = idx[i] >= nd ? idx[i] + 1u : nd;
        if (nd > s->n / 2u) return;
    } else {
        nd = telem_i_file_number_column(s->k, v, s->n, s->n / 2u, idx);
    }
    if (nd < 2) return;
    for (i = 1; i < s->n; i++) changes += idx[i] != idx[i - 1];
    if (changes * 8u < s->n && !(v->flags & TELEM_INDEX)) return;
    at = s->candidates;
    if (at == TELEM_I_FILE_KEY_CANDIDATES) { /* the one with the fewest values goes */
        for (i = 1, at = 0; i < s->candidates; i++)
            if (s->distinct[i] < s->distinct[at]) at = i;
        if (s->distinct[at] >= nd) return;
    } else s->candidates++;
    s->candidate[at] = column;
    s->distinct[at] = nd;
    for (i = 0; i < s->n; i++) telem_i_file_sources_index(s, at)[i] = (uint16_t)idx[i];
}

/* The cost of a column in the order that lies in the table; returns what it saves. */
static uint32_t telem_i_file_sources_gain_of(telem_i_file_sources *s, uint32_t c, uint32_t *cost) {
    telem_i_file_view v;
    cost[c] = s->best[c];
    if (s->member[c] || !telem_i_file_sources_load(s, s->column[c], &v)) return 0;
    cost[c] = telem_i_file_sources_cost(s, &v, (const uint16_t *)s->k->table);
    if (cost[c] + s->best[c] / 64u >= s->best[c]) cost[c] = s->best[c]; /* too little to change for */
    return s->best[c] - cost[c];
}

/* The cost of every column in the order of an index; returns what it saves in all. */
static uint32_t telem_i_file_sources_gain(telem_i_file_sources *s, const uint16_t *idx, uint32_t *cost) {
    uint32_t c, gain = 0;
    telem_i_file_sources_order(idx, s->n, (uint16_t *)s->k->table);
    for (c = 0; c < s->columns; c++) gain += telem_i_file_sources_gain_of(s, c, cost);
    return gain;
}

static uint32_t telem_i_file_sources_place(const telem_i_file_sources *s, uint32_t column) {
    uint32_t c;
    for (c = 0; c < s->columns; c++)
        if (s->column[c] == column) break;
    return c;
}

/* What a column costs as a member is about what it costs by itself, so its own gain does not count. */
static uint32_t telem_i_file_sources_try(telem_i_file_sources *s, const uint16_t *idx, uint32_t candidate, uint32_t *cost) {
    uint32_t at = telem_i_file_sources_place(s, s->candidate[candidate]), gain;
    uint8_t was = s->member[at];
    s->member[at] = 1;
    gain = telem_i_file_sources_gain(s, idx, cost);
    s->member[at] = was;
    return gain;
}

static uint32_t telem_i_file_sources_join(telem_i_file_sources *s, uint32_t a, uint32_t b, uint16_t *joint) {
    const uint16_t *x = telem_i_file_sources_index(s, a), *y = telem_i_file_sources_index(s, b);
    uint32_t *idx = (uint32_t *)(void *)(s->k->c64 + s->n), nd, i;
    for (i = 0; i < s->n; i++) s->k->c64[i] = (uint64_t)x[i] << 32 | y[i];
    nd = telem_i_file_number(s->k, s->n, s->n / 2u, idx);
    for (i = 0; i < s->n && nd; i++) joint[i] = (uint16_t)idx[i];
    return nd;
}

/* Columns that join the key of candidate `a`: those that hardly split its groups, or whose split pays. */
static uint32_t telem_i_file_sources_members(telem_i_file_sources *s, uint32_t a, uint32_t gain, uint32_t total, uint32_t *cost,
                                          uint32_t *member, uint32_t members) {
    uint16_t *joint = (uint16_t *)(void *)(s->k->a64 + s->k->cap); /* behind the hash of so few */
    uint32_t b, more[TELEM_I_FILE_KEY_COLUMNS];
    for (b = 0; b < s->candidates && members < 8; b++) {
        uint32_t at = telem_i_file_sources_place(s, s->candidate[b]), nd, now, own;
        if (b == a || s->member[at]) continue;
        nd = telem_i_file_sources_join(s, a, b, joint);
        if (nd == 0) continue;
        memcpy(telem_i_file_sources_index(s, TELEM_I_FILE_KEY_CANDIDATES), joint, s->n * sizeof joint[0]);
        own = s->best[at] - cost[at];
        now = telem_i_file_sources_try(s, telem_i_file_sources_index(s, TELEM_I_FILE_KEY_CANDIDATES), b, more);
        if (nd > s->distinct[a] + s->distinct[a] / 4u && now < gain - own + total / 64u) continue;
        memcpy(telem_i_file_sources_index(s, a), telem_i_file_sources_index(s, TELEM_I_FILE_KEY_CANDIDATES), s->n * sizeof joint[0]);
        memcpy(cost, more, sizeof more);
        s->distinct[a] = nd;
        s->member[at] = 1;
        member[members++] = s->candidate[b];
        gain = now;
    }
    return members;
}

/* Keys being looked for, some columns at a time: what lies in the codec's bytes and table stays there meanwhile. */
typedef struct telem_i_file_seeking {
    telem_i_file_sources s;
    telem_i_file_grouping *g;
    uint32_t columns, c, total;          /* of the stream; the next one; bits in row order */
    uint32_t a, gain, best, best_gain;   /* the candidate that is tried; the best one */
    uint32_t cost[TELEM_I_FILE_KEY_COLUMNS], best_cost[TELEM_I_FILE_KEY_COLUMNS];
    uint8_t trying, done;
} telem_i_file_seeking;

static void telem_i_file_seek_begin(telem_i_file_seeking *z, telem_i_file_codec *k, telem_i_file_viewer show, void *user, uint32_t columns, uint32_t n,
                                    telem_i_file_grouping *g) {
    memset(g, 0, sizeof *g);
    memset(z, 0, sizeof *z);
    z->g = g;
    z->columns = columns;
    z->s.k = k, z->s.show = show, z->s.user = user;
    z->s.n = n < TELEM_I_FILE_KEY_ROWS ? n : TELEM_I_FILE_KEY_ROWS;
    z->done = n < TELEM_I_FILE_KEY_LEAST || (k->off & TELEM_I_FILE_OFF_KEYS) != 0;
}

/* Columns by themselves; then candidates are tried. */
static void telem_i_file_seek_load(telem_i_file_seeking *z, uint32_t most) {
    telem_i_file_sources *s = &z->s;
    telem_i_file_view v;
    for (; most && z->c < z->columns && s->columns < TELEM_I_FILE_KEY_COLUMNS; most--, z->c++) {
        if (!telem_i_file_sources_load(s, z->c, &v)) continue;
        s->column[s->columns] = z->c;
        s->row[s->columns] = s->best[s->columns] = telem_i_file_sources_cost(s, &v, NULL);
        z->total += s->row[s->columns++];
        telem_i_file_sources_candidate(s, z->c, &v);
    }
    if (z->c < z->columns && s->columns < TELEM_I_FILE_KEY_COLUMNS) return;
    z->trying = 1;
    z->c = 0;
}

/* All candidates were tried: is the best one a key? Two at most. */
static void telem_i_file_seek_round(telem_i_file_seeking *z) {
    telem_i_file_sources *s = &z->s;
    telem_i_file_grouping *g = z->g;
    uint32_t c, key = g->keys;
    if (z->best_gain > z->total / 40u) {
        g->key[key].member[0] = s->candidate[z->best];
        s->member[telem_i_file_sources_place(s, s->candidate[z->best])] = 1;
        g->key[key].members = telem_i_file_sources_members(s, z->best, z->best_gain, z->total, z->best_cost, g->key[key].member, 1);
        for (c = 0; c < s->columns; c++)
            if (!s->member[c] && z->best_cost[c] < s->best[c]) s->best[c] = z->best_cost[c], s->by[c] = (uint8_t)(key + 1u);
        g->keys++;
        z->a = z->best = z->best_gain = 0;
        if (g->keys < 2) return;
    }
    for (c = 0; c < s->columns; c++)
        if (s->by[c] && !s->member[c]) g->column[g->columns] = s->column[c], g->by[g->columns++] = (uint8_t)(s->by[c] - 1u);
    z->done = 1;
}

/* Some columns in the order of the candidate that is tried. */
static void telem_i_file_seek_try(telem_i_file_seeking *z, uint32_t most) {
    telem_i_file_sources *s = &z->s;
    uint32_t at;
    if (z->a == s->candidates) {
        telem_i_file_seek_round(z);
        return;
    }
    at = telem_i_file_sources_place(s, s->candidate[z->a]);
    if (z->c == 0 && s->member[at]) {
        z->a++;
        return;
    }
    if (z->c == 0) {
        z->gain = 0;
        telem_i_file_sources_order(telem_i_file_sources_index(s, z->a), s->n, (uint16_t *)s->k->table);
    }
    s->member[at] = 1;
    for (; most && z->c < s->columns; most--, z->c++) z->gain += telem_i_file_sources_gain_of(s, z->c, z->cost);
    s->member[at] = 0;
    if (z->c < s->columns) return;
    if (z->gain > z->best_gain) {
        z->best = z->a, z->best_gain = z->gain;
        memcpy(z->best_cost, z->cost, sizeof z->cost);
    }
    z->a++;
    z->c = 0;
}

/* Looks at so many columns, 2 or more; 1: all is known. */
static int telem_i_file_seek_step(telem_i_file_seeking *z, uint32_t most) {
    if (z->done) return 1;
    if (!z->trying) telem_i_file_seek_load(z, most);
    else telem_i_file_seek_try(z, most);
    return z->done;
}

/* >>columns-block -- a block of columns: the container around the codecs (section 8) --------------- */

#define TELEM_I_FILE_SECTION 64u        /* columns of a directory's section */
#define TELEM_I_FILE_INDEXED_FROM 16384u /* payloads of so many bytes get checks of their own for each chunk */
#define TELEM_I_FILE_CHECKED 1024u        /* columns share a check up to so many bytes */
#define TELEM_I_FILE_FORM_INDEXED 1u
#define TELEM_I_FILE_FORM_ALIGNED 2u
#define TELEM_I_FILE_FORM_KEYS 4u
#define TELEM_I_FILE_CODEC_ID 0x3Fu
#define TELEM_I_FILE_CODEC_RAW 0u
#define TELEM_I_FILE_CODEC_CONSTANT 1u
#define TELEM_I_FILE_CODEC_TEXT 32u     /* codecs 32..47 are the texts' */
#define TELEM_I_FILE_CODEC_BOUNDS 0x80u
#define TELEM_I_FILE_CODEC_GROUPED 0x40u
#define TELEM_I_FILE_OPENING 4194304u    /* raw bytes of a stream's first block, whose coded size nobody knows */
#define TELEM_I_FILE_WIDE 1024u         /* bytes of a row that is wide */
#define TELEM_I_FILE_TRY 1024u          /* rows that are coded to see what a row takes */
#define TELEM_I_FILE_LEAST_ROWS 256u    /* a block is not closed for its bytes before it has so many */
#define TELEM_I_FILE_OFF_ROWS ((uint64_t)1 << 48) /* row repeat */
#define TELEM_I_FILE_WIDE_ROWS 1024u   /* of whole columns, where max_block allows */
#define TELEM_I_FILE_SHORT 64u         /* rows of a short block straight from the caller's columns, at least */
#define TELEM_I_FILE_REPEATS 8u         /* row repeat is used when one row in so many repeats */

/* The time and the run lengths as columns. */
static telem_column telem_i_file_own_column(uint32_t item) {
    static const telem_field fields[2] = {
        {0, 0, "runs", NULL, NULL, NULL, NULL, NULL, NULL, 0.0, 0.0, 0, 0, 0, 0, TELEM_U32, 0, 0, 0},
        {0, 0, "time", NULL, NULL, NULL, NULL, NULL, NULL, 0.0, 0.0, 0, 0, 0, 0, TELEM_I64, TELEM_MONOTONIC, 0, 0}};
    telem_column c = TELEM_ZERO;
    c.field = &fields[item];
    c.type = fields[item].type;
    c.width = item ? 8u : 4u;
    c.count = 1;
    c.guard = TELEM_NO_GUARD;
    return c;
}

/* Native values of `width` bytes to little-endian ones, and back. */
static void telem_i_file_to_little(uint8_t *to, const uint8_t *from, uint32_t width, size_t n) {
#if TELEM_I_LITTLE_ENDIAN
    memcpy(to, from, n * width);
#else
    size_t i;
    uint32_t b;
    for (i = 0; i < n; i++, to += width, from += width)
        for (b = 0; b < width; b++) to[b] = from[width - 1u - b];
#endif
}

/* The same where both may be one place. */
static void telem_i_file_to_little_at(uint8_t *to, const uint8_t *from, uint32_t width, size_t n) {
#if TELEM_I_LITTLE_ENDIAN
    if (to != from) memcpy(to, from, n * width);
#else
    size_t i;
    for (i = 0; i < n; i++, to += width, from += width) {
        uint8_t v[8];
        telem_i_file_to_little(v, from, width, 1);
        memcpy(to, v, width);
    }
#endif
}

/* One little-endian value that a field of native values of `width` bytes holds. */
static uint64_t telem_i_file_native(const uint8_t *p, uint32_t width) {
    uint8_t v[8];
    telem_i_file_to_little(v, p, width, 1);
    return telem_i_file_load(v, width);
}

static int telem_i_file_all_equal(const uint8_t *p, uint32_t width, size_t n) {
    return n < 2 || memcmp(p, p + width, (n - 1u) * width) == 0;
}

/* ---- the writer's side ---- */

typedef struct telem_i_file_citem {
    uint32_t length; /* bytes of data */
    uint8_t coded;   /* 0: as the state says */
    uint8_t codec, lo, hi, key;
} telem_i_file_citem;

#define TELEM_I_FILE_KEYS 8u

/* Columns whose tuples of values tell the sources of interleaved rows apart. */
typedef struct telem_i_file_key {
    uint32_t member[TELEM_I_FILE_KEYS]; /* column numbers of the block, ascending */
    uint32_t members, distinct, length; /* columns, tuples, bytes of the index item */
} telem_i_file_key;

typedef struct telem_i_file_keys {
    telem_i_file_key key[TELEM_I_FILE_KEYS];
    uint8_t count;
} telem_i_file_keys;

#define TELEM_I_FILE_KEYED 2u  /* keys that the writer uses at most */
#define TELEM_I_FILE_LOOKS 32u /* blocks from one look for keys to the next */
#define TELEM_I_FILE_KEY_WIDE 512u /* columns of a stream in which they are not looked for, but by level `archive` */

/* Free pages: each begins with the address of the next one. */
typedef struct telem_i_file_pages {
    uint8_t *free;
    uint32_t count;
} telem_i_file_pages;

struct telem_i_file_job;

/* Room that all streams share, as much as the one needs that needs most: it comes with that stream. */
typedef struct telem_i_file_room {
    uint8_t *out;     /* the coded block, and behind it a column's texts, or its values in another order */
    size_t out_size;
    uint8_t *text;    /* of the codecs; with it: */
    size_t text_size;
    uint32_t *cursor; /* where each row's next text lies in the heap while columns are coded, cap elements */
    uint8_t *split;   /* one text that lies in two pages */
    size_t split_size;
} telem_i_file_room;

/* What all streams of a writer share: what is needed while one block is coded, and the pages of the rows
   that wait. */
typedef struct telem_i_file_cshared {
    telem_i_file_codec k;
    uint8_t *column; /* one column, native: cap + 64 values of 8 bytes */
    uint16_t *place[TELEM_I_FILE_KEYED], *first[TELEM_I_FILE_KEYED]; /* of the open block's keys, cap elements each; first
                         lies behind place */
    uint32_t *runs;   /* of the open block's rows, cap elements */
    uint16_t *pick;   /* the same */
    uint8_t *same;    /* cap bytes: which rows repeat */
    telem_i_file_pages pool; /* of all streams whose records are small, and of texts */
    telem_i_file_room room, before; /* before: what was there without the stream added last */
    struct telem_i_file_job *job;           /* the block being coded */
    struct telem_i_file_wstream **queue;    /* streams whose sealed block waits, a ring of max_streams + 1 places */
    uint32_t places;                        /* of the ring */
    telem_atomic32 sealed, coded;           /* counts: put into the ring; taken out of it when coded */
    uint32_t reaped;                        /* those whose pages were taken back */
    int64_t credit;                         /* what rows paid for coding and was not yet spent */
    telem_atomic32 owner, wanted, trouble;  /* see >>pace */
    uint32_t held;
} telem_i_file_cshared;

#define TELEM_I_FILE_PAGE 8192u  /* of rows that wait */
#define TELEM_I_FILE_TILE_SHIFT 4u
#define TELEM_I_FILE_TILE 16u    /* rows that come in gather here first; a page holds a multiple of it */
#define TELEM_I_FILE_RECORD 16u  /* in front of a record: time (native), runs, place of its texts */

/* A stream's keys: found on a block, kept for the next ones. Column numbers are the block's less 2. */
typedef struct telem_i_file_keyed {
    telem_i_file_grouping found;
    uint32_t left;                                     /* blocks until keys are looked for again */
    uint64_t saved[TELEM_I_FILE_KEYED];                /* at a look: bytes that the order of each key saves */
    telem_i_file_choice choice[TELEM_I_FILE_KEY_COLUMNS]; /* of columns in grouped order */
    uint32_t mode[TELEM_I_FILE_KEYED];                 /* of the keys' indices */
    uint8_t look, begun, all_present;
} telem_i_file_keyed;

/* Rows of a stream that wait. A record: time, how many rows repeat it, where its texts begin, then the row form
   with only the length of each text. In a page the records lie column by column: the `1 << shift` times, then
   the counts, and so on; each column begins at `1 << shift` times its place in a record. */
typedef struct telem_i_file_batch {
    uint8_t **page;
    uint8_t **heap;    /* pages with the texts of all rows, row by row */
    uint32_t count, pages, heap_pages, heap_used, shift; /* records; pages that are there */
    uint32_t rows;     /* with those that repeat */
    uint8_t repeats;   /* some do */
    uint8_t aged;      /* sealed by its age: its rows waited long */
    int64_t t, step;   /* of the last row */
    int64_t first, min, max;
    uint64_t first_row;
} telem_i_file_batch;

/* Fields of one width that follow each other in a record. */
typedef struct telem_i_file_strip {
    uint32_t in, width, count;
} telem_i_file_strip;

/* A stream on its way into columns: rows come into `fill`; a full block is sealed and coded while the next one
   fills. What the writer's thread changes and what the coding does are apart: see >>pace. */
typedef struct telem_i_file_gather {
    telem_i_file_batch fill, sealed; /* sealed.count 0: none waits */
    uint8_t *tile;     /* the fill's last `tiled` records, row by row: only they lie here */
    telem_i_file_strip *strip;
    uint32_t tiled, strips, limit; /* limit: records of the open block */
    uint32_t share;    /* what each row pays for the coding of the sealed block */
    uint32_t dose;     /* and what is spent at a time */
    uint64_t safe_row, coded_row; /* one past the rows that are with the io, as the writer's thread and as the coding knows */
    uint64_t seal_ticks; /* age at which a block is sealed */
    uint8_t flat;      /* rows repeat when their row forms are the same */
    uint8_t native;    /* and a C struct of the schema is the row form */
    uint8_t *state;    /* row form: the last row of the block before */
    telem_i_file_citem *items;
    telem_i_file_choice *choice;
    uint32_t record, cap, heap_size, columns;
    uint32_t raw;      /* bytes of a row, texts at their longest */
    uint8_t trial;     /* a block is coded only to see its size */
    uint8_t own;       /* records are large: their pages are the stream's own, TILE records each */
    uint8_t shorts;    /* a short block was written straight from the caller's columns */
    uint32_t given;    /* pages that came with the stream */
    telem_i_file_pages own_pool;
    size_t head_size;
    int64_t t, step;   /* section 6, before the block being coded */
    uint64_t bytes_per_row; /* of the blocks so far, in 1/256 bytes; 0: not known */
    uint32_t key_len;  /* bytes of the group's KEY block */
    telem_i_file_keys keys; /* of the open block */
    telem_i_file_keyed *keyed;
} telem_i_file_gather;

/* Rows that become a block: gathered ones, or whole columns of the caller's. */
typedef struct telem_i_file_source {
    telem_i_file_gather *g;
    const telem_i_file_batch *f; /* gathered rows */
    telem_i_file_cshared *x;
    const telem_file_column *columns; /* NULL: gathered */
    const int64_t *times;
    const uint16_t *pick;  /* whole columns: the distinct rows, counted from `from`; NULL: each row is */
    const uint32_t *runs;  /* NULL: nothing repeats */
    uint64_t from;         /* whole columns: first row */
    uint64_t number;       /* of the row at times[0] when times is NULL */
    uint32_t first, n;     /* distinct rows [first, first + n) */
    uint32_t rows;         /* with those that repeat */
} telem_i_file_source;

/* The field of row i that stands at `in` in a record and has `width` bytes. */
static uint8_t *telem_i_file_cell(const telem_i_file_batch *f, uint32_t i, size_t in, uint32_t width) {
    return f->page[i >> f->shift] + (in << f->shift) + (size_t)(i & (((uint32_t)1 << f->shift) - 1u)) * width;
}

/* Texts in the heap; where they lie in two pages, or more, in `split`. */
static const uint8_t *telem_i_file_heap_text(const telem_i_file_batch *g, uint32_t at, uint32_t n, uint8_t *split) {
    uint32_t off = at % TELEM_I_FILE_PAGE, done = 0;
    if (n == 0) return split;
    if (n <= TELEM_I_FILE_PAGE - off) return g->heap[at / TELEM_I_FILE_PAGE] + off;
    while (done < n) {
        uint32_t part = TELEM_I_FILE_PAGE - (at + done) % TELEM_I_FILE_PAGE;
        if (part > n - done) part = n - done;
        memcpy(split + done, g->heap[(at + done) / TELEM_I_FILE_PAGE] + (at + done) % TELEM_I_FILE_PAGE, part);
        done += part;
    }
    return split;
}

static void telem_i_file_heap_put(telem_i_file_batch *g, const uint8_t *p, uint32_t n) {
    while (n) {
        uint32_t off = g->heap_used % TELEM_I_FILE_PAGE, part = TELEM_I_FILE_PAGE - off;
        if (part > n) part = n;
        memcpy(g->heap[g->heap_used / TELEM_I_FILE_PAGE] + off, p, part);
        g->heap_used += part;
        p += part;
        n -= part;
    }
}

/* Where the texts of row i begin. */
static uint32_t telem_i_file_record_texts(const telem_i_file_batch *f, uint32_t i) {
    uint32_t at;
    memcpy(&at, telem_i_file_cell(f, i, 12, 4), 4);
    return at;
}

static uint64_t telem_i_file_source_row(const telem_i_file_source *q, uint32_t i) {
    return q->from + (q->pick ? q->pick[q->first + i] : q->first + i);
}

static int64_t telem_i_file_source_time(const telem_i_file_source *q, uint32_t i) {
    int64_t t;
    if (q->columns) {
        uint64_t row = telem_i_file_source_row(q, i);
        return q->times ? q->times[row] : telem_i_signed(q->number + row);
    }
    memcpy(&t, telem_i_file_cell(q->f, q->first + i, 0, 8), 8);
    return t;
}

/* The fields of gathered rows that stand at `in` in a record, one behind the other. */
static void telem_i_file_collect_cells(const telem_i_file_source *q, size_t in, uint32_t width, uint8_t *to) {
    uint32_t i, n, page = (uint32_t)1 << q->f->shift;
    for (i = 0; i < q->n; i += n, to += (size_t)n * width) {
        uint32_t row = q->first + i;
        n = page - (row & (page - 1u));
        if (n > q->n - i) n = q->n - i;
        memcpy(to, telem_i_file_cell(q->f, row, in, width), (size_t)n * width);
    }
}

/* All times of the block; `room` takes them where they do not lie in the caller's memory. */
static const int64_t *telem_i_file_source_clock(const telem_i_file_source *q, int64_t *room) {
    uint64_t row = q->from + q->first;
    uint32_t i;
    if (q->columns && q->times && !q->pick) return q->times + row;
    if (!q->columns) {
        telem_i_file_collect_cells(q, 0, 8, (uint8_t *)room);
    } else if (!q->pick)
        for (i = 0; i < q->n; i++) room[i] = telem_i_signed(q->number + row + i);
    else
        for (i = 0; i < q->n; i++) room[i] = telem_i_file_source_time(q, i);
    return room;
}

static uint32_t telem_i_file_source_run(const telem_i_file_source *q, uint32_t i) { return q->runs ? q->runs[q->first + i] : 0; }

/* Values of `width` bytes that lie `step` bytes apart, one behind the other. */
static void telem_i_file_collect(uint8_t *to, const uint8_t *from, size_t step, uint32_t width, uint32_t n) {
    uint32_t i;
    switch (width) {
    case 1: for (i = 0; i < n; i++, from += step) to[i] = *from; break;
    case 2: for (i = 0; i < n; i++, from += step, to += 2) memcpy(to, from, 2); break;
    case 4: for (i = 0; i < n; i++, from += step, to += 4) memcpy(to, from, 4); break;
    default: for (i = 0; i < n; i++, from += step, to += 8) memcpy(to, from, 8); break;
    }
}

/* Little-endian values as they stand in rows become native in place. */
static void telem_i_file_to_native(uint8_t *p, uint32_t width, size_t n) {
#if TELEM_I_LITTLE_ENDIAN
    (void)p, (void)width, (void)n;
#else
    size_t i;
    uint32_t b;
    for (i = 0; i < n; i++, p += width)
        for (b = 0; b < width / 2; b++) {
            uint8_t x = p[b];
            p[b] = p[width - 1u - b];
            p[width - 1u - b] = x;
        }
#endif
}

/* COUNTERs are stored less the number of their row in the block: one that counts is constant. */
static void telem_i_file_discount(uint8_t *p, uint32_t width, const telem_i_file_source *q, int back) {
    uint64_t row = 0;
    uint32_t i;
    for (i = 0; i < q->n; i++, p += width) {
        uint8_t v[8];
        uint64_t x = telem_i_file_native(p, width);
        telem_i_file_store(v, width, back ? x + row : x - row);
        telem_i_file_to_native(v, width, 1);
        memcpy(p, v, width);
        row += 1u + telem_i_file_source_run(q, i);
    }
}

/* The values of a column of numbers, native; `room` takes them when they must be moved. `fix`: where the
   column begins in a record. */
static const uint8_t *telem_i_file_source_numbers(const telem_i_file_source *q, const telem_column *c, uint32_t element, uint32_t fix, uint8_t *room) {
    uint32_t w = c->width, i;
    const uint8_t *p, *all;
    int counter = telem_i_file_is_counter(c), odd = 0;
    if (!q->columns) {
        telem_i_file_collect_cells(q, TELEM_I_FILE_RECORD + fix + (size_t)element * w, w, room);
        telem_i_file_to_native(room, w, q->n);
    } else {
        all = (const uint8_t *)q->columns[c->index + element].data;
        if (!all) { /* presence: all there */
            memset(room, 1, q->n);
            return room;
        }
        p = all + (size_t)(q->from + q->first) * w;
        if (c->type == TELEM_BOOL && q->pick)
            for (i = 0; i < q->n; i++) odd |= all[telem_i_file_source_row(q, i)] > 1;
        else if (c->type == TELEM_BOOL)
            for (i = 0; i < q->n; i++) odd |= p[i] > 1;
        if (!q->pick && !counter && !odd) return p;
        if (!q->pick) memcpy(room, p, (size_t)q->n * w);
        else
            for (i = 0; i < q->n; i++) telem_i_file_collect(room + (size_t)i * w, all + (size_t)telem_i_file_source_row(q, i) * w, w, w, 1);
        if (odd) /* gcc warns of a plain assignment: it sees a room for one value */
            for (i = 0; i < q->n; i++) {
                if (room[i] > 1) room[i] = 1;
            }
    }
    if (counter) telem_i_file_discount(room, w, q, 0);
    return room;
}

/* One text of a source. */
static const uint8_t *telem_i_file_source_text(const telem_i_file_source *q, const telem_column *c, uint32_t element, uint32_t fix, uint32_t i, uint32_t *n) {
    const uint8_t *p;
    uint32_t w = c->width;
    if (q->columns) {
        const telem_file_column *v = &q->columns[c->index + element];
        uint64_t row = telem_i_file_source_row(q, i);
        p = (const uint8_t *)v->data;
        if (telem_i_file_codes_variable(c->type)) {
            *n = v->offsets[row + 1u] - v->offsets[row];
            return p ? p + v->offsets[row] : (const uint8_t *)"";
        }
        p += row * w;
    } else {
        size_t in = TELEM_I_FILE_RECORD + fix;
        if (telem_i_file_codes_variable(c->type)) {
            *n = telem_get32(telem_i_file_cell(q->f, q->first + i, in + 4u * element, 4));
            return telem_i_file_heap_text(q->f, q->x->room.cursor[q->first + i], *n, q->x->room.split);
        }
        p = telem_i_file_cell(q->f, q->first + i, in + (size_t)element * w, w);
    }
    *n = telem_i_file_trimmed(p, w);
    return p;
}

typedef struct telem_i_file_cencoder {
    telem_file_writer *w;
    telem_i_file_wstream *s;
    telem_i_file_gather *g;
    const telem_i_file_source *q;
    telem_i_file_citem *item;
    uint8_t *data, *p, *limit;
    uint8_t *end;    /* of the room: limit, but while something lies there */
    uint8_t aligned; /* a raw column is there */
} telem_i_file_cencoder;

/* A column's bytes were written at e->p. */
static void telem_i_file_put_item(telem_i_file_cencoder *e, uint8_t codec, size_t n) {
    e->item->coded = 1;
    e->item->codec = codec;
    e->item->length = (uint32_t)n;
    e->p += n;
}

/* Raw columns begin at a multiple of A from the data's start. NULL: there is no room. */
static uint8_t *telem_i_file_raw_room(telem_i_file_cencoder *e, size_t n) {
    size_t pad = telem_i_file_aligned(&e->w->framing, (size_t)(e->p - e->data)) - (size_t)(e->p - e->data);
    if (n + pad > (size_t)(e->limit - e->p)) return NULL;
    memset(e->p, 0, pad);
    e->p += pad;
    e->aligned = 1;
    return e->p;
}

/* n values. `old`: the state's value, little-endian; NULL: there is none. */
static int telem_i_file_put_values(telem_i_file_cencoder *e, const telem_column *c, telem_i_file_choice *choice, const uint8_t *v, uint32_t n,
                                   const uint8_t *old) {
    uint32_t w = c->width;
    size_t room = (size_t)((v >= e->p && v < e->limit ? v : e->limit) - e->p), raw = (size_t)n * w, used = 0;
    uint8_t codec = 0, *to;
    if (telem_i_file_all_equal(v, w, n)) {
        uint8_t one[8];
        telem_i_file_to_little(one, v, w, 1);
        if (old && memcmp(one, old, w) == 0) return 1;
        if (room < w) return 0;
        memcpy(e->p, one, w);
        telem_i_file_put_item(e, TELEM_I_FILE_CODEC_CONSTANT, w);
        return 1;
    }
    used = telem_i_file_numbers_encode(&e->w->columns->k, choice, c, v, n, &codec, e->p, raw - 1u < room ? raw - 1u : room);
    if (used) {
        telem_i_file_put_item(e, codec, used);
        return 1;
    }
    to = telem_i_file_raw_room(e, raw);
    if (!to) return 0;
    if (v >= to && v < e->limit) memmove(to, v, raw), v = to;
    telem_i_file_to_little_at(to, v, w, n);
    telem_i_file_put_item(e, TELEM_I_FILE_CODEC_RAW, raw);
    return 1;
}
static int telem_i_file_put_numbers(telem_i_file_cencoder *e, const telem_column *c, telem_i_file_choice *choice, const uint8_t *v, const uint8_t *old) {
    return telem_i_file_put_values(e, c, choice, v, e->q->n, old);
}

/* Texts one behind the other with offsets; the caller's own where they lie so. NULL: no room. */
static const uint8_t *telem_i_file_source_texts(telem_i_file_cencoder *e, const telem_column *c, uint32_t element, uint32_t fix, const uint32_t **offsets) {
    const telem_i_file_source *q = e->q;
    uint32_t *at = (uint32_t *)(void *)e->w->columns->column;
    uint64_t total = 0;
    uint32_t i, n = 0;
    uint8_t *to;
    if (q->columns && !q->pick && telem_i_file_codes_variable(c->type)) {
        const telem_file_column *v = &q->columns[c->index + element];
        *offsets = v->offsets + q->from + q->first;
        return v->data ? (const uint8_t *)v->data : (const uint8_t *)"";
    }
    for (i = 0; i < q->n; i++) {
        (void)telem_i_file_source_text(q, c, element, fix, i, &n);
        total += n;
    }
    if (total > (size_t)(e->limit - e->p)) return NULL;
    to = e->limit - (size_t)total;
    for (i = 0, total = 0; i < q->n; i++) {
        const uint8_t *p = telem_i_file_source_text(q, c, element, fix, i, &n);
        at[i] = (uint32_t)total;
        if (n) memmove(to + (size_t)total, p, n);
        total += n;
        if (!q->columns && telem_i_file_codes_variable(c->type)) q->x->room.cursor[q->first + i] += n;
    }
    at[q->n] = (uint32_t)total;
    *offsets = at;
    return to;
}

static int telem_i_file_texts_equal(const uint8_t *p, const uint32_t *at, uint32_t n) {
    uint32_t i, len = at[1] - at[0];
    for (i = 1; i < n; i++)
        if (at[i + 1] - at[i] != len || memcmp(p + at[i], p + at[0], len) != 0) return 0;
    return 1;
}

/* Is the first text the state's? `old`: its bytes in row form. */
static int telem_i_file_text_is(const telem_column *c, const uint8_t *old, const uint8_t *p, uint32_t n) {
    if (!telem_i_file_codes_variable(c->type)) return telem_i_file_trimmed(old, c->width) == n && memcmp(old, p, n) == 0;
    return telem_get32(old) == n && memcmp(old + 4, p, n) == 0;
}

/* Raw texts: n + 1 offsets, then the bytes. */
static int telem_i_file_put_raw_texts(telem_i_file_cencoder *e, const uint8_t *p, const uint32_t *at, uint32_t n) {
    uint32_t i, bytes = at[n] - at[0];
    size_t head = 4u * ((size_t)n + 1u);
    uint8_t *to = telem_i_file_raw_room(e, head + bytes);
    if (!to) return 0;
    memmove(to + head, p + at[0], bytes);
    for (i = 0; i <= n; i++) telem_put32(to + 4u * (size_t)i, at[i] - at[0]);
    telem_i_file_put_item(e, TELEM_I_FILE_CODEC_RAW, head + bytes);
    return 1;
}

/* n texts. They may wait at the end of the room. */
static int telem_i_file_put_strings(telem_i_file_cencoder *e, const telem_column *c, telem_i_file_choice *choice, const uint8_t *p, const uint32_t *at,
                                    uint32_t n, const uint8_t *old) {
    size_t room, used, raw;
    uint32_t bytes;
    uint8_t codec = 0;
    if (telem_i_file_texts_equal(p, at, n)) {
        bytes = at[1] - at[0];
        if (telem_i_file_text_is(c, old, p + at[0], bytes)) return 1;
        if (bytes > (size_t)(e->limit - e->p)) return 0;
        memmove(e->p, p + at[0], bytes);
        telem_i_file_put_item(e, TELEM_I_FILE_CODEC_CONSTANT, bytes);
        return 1;
    }
    raw = 4u * ((size_t)n + 1u) + (at[n] - at[0]);
    room = (size_t)((p >= e->p && p < e->limit ? p : e->limit) - e->p);
    used = telem_i_file_text_encode(&e->w->columns->k, choice, p, at, n, &codec, e->p, raw - 1u < room ? raw - 1u : room);
    if (!used) return telem_i_file_put_raw_texts(e, p, at, n);
    telem_i_file_put_item(e, codec, used);
    return 1;
}

/* ---- keys: the writer's side ---- */

/* The field and element of the block's column `number` (2 and up), and where it begins in a record. */
static int telem_i_file_column_at(const telem_i_file_cencoder *e, uint32_t number, telem_column *c, uint32_t *element, uint32_t *fix) {
    telem_columns it;
    uint32_t at = 2;
    *fix = 0;
    telem_columns_begin(&it, e->s->schema);
    while (telem_columns_next(&it, c)) {
        uint32_t size = telem_i_file_codes_variable(c->type) ? 4u : c->width;
        if (!(c->presence && e->s->all_present)) {
            if (number - at < c->count) {
                *element = number - at;
                return 1;
            }
            at += c->count;
        }
        *fix += size * c->count;
    }
    return 0;
}

/* Bytes in the heap that a gathered row's texts before this one take. */
static uint32_t telem_i_file_texts_before(const telem_i_file_cencoder *e, const telem_column *to, uint32_t element, uint32_t row) {
    telem_columns it;
    telem_column c;
    uint32_t fix = TELEM_I_FILE_RECORD, i, sum = 0;
    telem_columns_begin(&it, e->s->schema);
    while (telem_columns_next(&it, &c)) {
        int variable = telem_i_file_codes_variable(c.type), last = c.index == to->index;
        for (i = 0; variable && i < (last ? element : c.count); i++) sum += telem_get32(telem_i_file_cell(e->q->f, row, fix + 4u * i, 4));
        if (last) break;
        fix += (variable ? 4u : c.width) * c.count;
    }
    return sum;
}

/* The texts of the first n rows at the end of the room, wherever the cursors stand. */
static int telem_i_file_view_texts(telem_i_file_cencoder *e, const telem_column *c, uint32_t element, uint32_t fix, uint32_t n, telem_i_file_view *v) {
    const telem_i_file_source *q = e->q;
    uint32_t *at = (uint32_t *)(void *)e->w->columns->column, i, len = 0;
    int heap = !q->columns && telem_i_file_codes_variable(c->type);
    size_t total = 0;
    uint8_t *to = e->p;
    if (q->columns && !q->pick && telem_i_file_codes_variable(c->type)) { /* as they lie in the caller's memory */
        const telem_file_column *all = &q->columns[c->index + element];
        v->offsets = all->offsets + q->from + q->first;
        v->values = all->data ? (const uint8_t *)all->data : (const uint8_t *)"";
        return 1;
    }
    v->offsets = at;
    v->values = to;
    for (i = 0; i < n; i++) {
        const uint8_t *p;
        if (heap) { /* cursors stand anywhere */
            uint32_t row = q->first + i;
            len = telem_get32(telem_i_file_cell(q->f, row, TELEM_I_FILE_RECORD + fix + 4u * element, 4));
            p = telem_i_file_heap_text(q->f, telem_i_file_record_texts(q->f, row) + telem_i_file_texts_before(e, c, element, row), len, q->x->room.split);
        } else {
            p = telem_i_file_source_text(q, c, element, fix, i, &len);
        }
        if (total + len > (size_t)(e->limit - e->p)) return 0;
        at[i] = (uint32_t)total;
        if (len) memcpy(to + total, p, len);
        total += len;
    }
    at[n] = (uint32_t)total;
    return 1;
}

/* A telem_i_file_viewer. */
static int telem_i_file_view_column(void *user, uint32_t column, uint32_t n, telem_i_file_view *v) {
    telem_i_file_cencoder *e = (telem_i_file_cencoder *)user;
    telem_i_file_source q = *e->q;
    telem_column c;
    uint32_t element = 0, fix;
    memset(v, 0, sizeof *v);
    if (!telem_i_file_column_at(e, column + 2u, &c, &element, &fix)) return 0;
    v->type = c.type;
    v->flags = c.presence ? 0 : (uint8_t)c.field->flags;
    v->width = telem_i_file_codes_text(c.type) ? 0 : c.width;
    if (n == 0) return 1;
    if (v->width == 0) return telem_i_file_view_texts(e, &c, element, fix, n, v);
    q.n = n;
    v->values = telem_i_file_source_numbers(&q, &c, element, fix, e->w->columns->column);
    return 1;
}

static void telem_i_file_narrow(const uint32_t *v, uint32_t n, uint16_t *to) {
    uint32_t i;
    for (i = 0; i < n; i++) to[i] = (uint16_t)v[i];
}

/* Where the rows of the block go that is grouped by a key: until the codecs work. */
static const uint32_t *telem_i_file_places(telem_i_file_cshared *x, uint32_t key, uint32_t n) {
    uint32_t i;
    for (i = 0; i < n; i++) x->k.a32[i] = x->place[key][i];
    return x->k.a32;
}

/* The index items, and where each row goes. A key that does not hold here is left out with its columns. */
static int telem_i_file_put_indices(telem_i_file_cencoder *e) {
    telem_i_file_keyed *x = e->g->keyed;
    telem_i_file_cshared *w = e->w->columns;
    uint32_t n = e->q->n, i, m, *idx = (uint32_t *)(void *)w->column, nd;
    e->g->keys.count = 0;
    for (i = 0; i < x->found.keys && n >= TELEM_I_FILE_LEAST_ROWS; i++) {
        telem_i_file_key *key = &e->g->keys.key[i];
        size_t room = (size_t)(e->limit - e->p), used;
        uint32_t *spare = (uint32_t *)(void *)w->place[i]; /* and first[i] */
        nd = telem_i_file_key_index(&w->k, telem_i_file_view_column, e, x->found.key[i].member, x->found.key[i].members, n, spare);
        if (nd == 0) return 0;
        memcpy(idx, spare, (size_t)n * 4u);
        used = telem_i_file_index_encode(&w->k, &x->mode[i], idx, n, nd, (uint32_t *)(void *)w->k.bytes, e->p, room);
        if (used == 0) return 0;
        e->p += used;
        key->members = x->found.key[i].members;
        for (m = 0; m < key->members; m++) key->member[m] = x->found.key[i].member[m] + 2u;
        key->distinct = nd;
        key->length = (uint32_t)used;
        telem_i_file_key_firsts(idx, n, w->k.a32);
        telem_i_file_narrow(w->k.a32, nd, w->first[i]);
        telem_i_file_key_places(idx, n, nd, w->k.b32, w->k.a32);
        telem_i_file_narrow(w->k.a32, n, w->place[i]);
        e->g->keys.count++;
    }
    return 1;
}

/* The key that a column is a member of, or -1. */
static int telem_i_file_key_of(const telem_i_file_gather *g, uint32_t number) {
    uint32_t i, m;
    for (i = 0; i < g->keys.count; i++)
        for (m = 0; m < g->keys.key[i].members; m++)
            if (g->keys.key[i].member[m] == number) return (int)i;
    return -1;
}

/* The place of a column among those that are grouped, or -1. */
static int telem_i_file_grouped_at(const telem_i_file_gather *g, uint32_t number) {
    uint32_t i;
    for (i = 0; g->keys.count && i < g->keyed->found.columns; i++)
        if (g->keyed->found.column[i] + 2u == number && g->keyed->found.by[i] < g->keys.count) return (int)i;
    return -1;
}

/* Bytes at the end of the room, 8-aligned, when they leave room enough; NULL else. `until`: what is taken there. */
static uint8_t *telem_i_file_end_room(const telem_i_file_cencoder *e, const uint8_t *until, size_t n) {
    size_t left = (size_t)((until >= e->p && until < e->limit ? until : e->limit) - e->p);
    uint8_t *to;
    if (left < 8u || n > left - 8u) return NULL;
    to = e->p + (left - n);
    return to - ((uintptr_t)to & 7u);
}

/* A column that is grouped was coded from `from` on, in *item: it stays so, or (0) is to be coded in row order. At a look
   it was coded in row order, too, behind that: the shorter stands. */
static int telem_i_file_keep_grouped(telem_i_file_cencoder *e, uint32_t slot, uint8_t *from, const telem_i_file_citem *item) {
    telem_i_file_keyed *x = e->g->keyed;
    uint32_t key = x->found.by[slot];
    int worse = item->coded && item->codec == TELEM_I_FILE_CODEC_RAW;
    if (x->look && e->item->length <= item->length) worse = 1;
    else if (x->look) x->saved[key] += e->item->length - item->length;
    if (x->look && worse) x->found.by[slot] = UINT8_MAX;
    memset(e->item, 0, sizeof *e->item);
    e->p = from;
    if (worse) return 0;
    *e->item = *item;
    e->p += item->length;
    if (item->coded && item->codec != TELEM_I_FILE_CODEC_CONSTANT) {
        e->item->codec |= TELEM_I_FILE_CODEC_GROUPED;
        e->item->key = (uint8_t)key;
    }
    return 1;
}

/* A column of numbers, in row order, as a member of a key or grouped. */
static int telem_i_file_put_column(telem_i_file_cencoder *e, const telem_column *c, telem_i_file_choice *choice, uint32_t number, const uint8_t *v,
                                   const uint8_t *old) {
    telem_i_file_cshared *x = e->w->columns;
    int key = telem_i_file_key_of(e->g, number), slot = telem_i_file_grouped_at(e->g, number);
    uint32_t n = e->q->n, i, nd;
    telem_i_file_citem grouped;
    uint8_t *to, *from = e->p;
    if (key >= 0) {
        nd = e->g->keys.key[key].distinct;
        to = telem_i_file_end_room(e, v, (size_t)nd * c->width);
        if (!to) return 0;
        for (i = 0; i < nd; i++) memcpy(to + (size_t)i * c->width, v + (size_t)x->first[key][i] * c->width, c->width);
        if (!telem_i_file_put_values(e, c, choice, to, nd, old)) return 0;
        if (!e->g->keyed->look) return 1;
        grouped = *e->item;
        from = e->p;
        if (!telem_i_file_put_values(e, c, choice, v, n, old)) return 0;
        if (e->item->length > grouped.length) e->g->keyed->saved[key] += e->item->length - grouped.length;
        memset(choice, 0, sizeof *choice);
        *e->item = grouped;
        e->p = from;
        return 1;
    }
    to = slot >= 0 ? telem_i_file_end_room(e, v, (size_t)n * c->width) : NULL;
    if (to) {
        telem_i_file_group(c->width, telem_i_file_places(x, e->g->keyed->found.by[slot], n), n, v, to);
        if (!telem_i_file_put_values(e, c, &e->g->keyed->choice[slot], to, n, old)) return 0;
        grouped = *e->item;
        memset(e->item, 0, sizeof *e->item);
        if (e->g->keyed->look && !telem_i_file_put_values(e, c, choice, v, n, old)) return 0;
        if (telem_i_file_keep_grouped(e, (uint32_t)slot, from, &grouped)) return 1;
    }
    return telem_i_file_put_values(e, c, choice, v, n, old);
}

static int telem_i_file_put_texts(telem_i_file_cencoder *e, const telem_column *c, uint32_t element, telem_i_file_choice *choice, uint32_t number,
                                  uint32_t fix, const uint8_t *old) {
    telem_i_file_cshared *x = e->w->columns;
    const uint32_t *at = NULL;
    const uint8_t *p = telem_i_file_source_texts(e, c, element, fix, &at);
    int key = telem_i_file_key_of(e->g, number), slot = telem_i_file_grouped_at(e->g, number);
    uint32_t n = e->q->n, i, nd, sum = 0, *offsets;
    telem_i_file_citem grouped;
    uint8_t *to, *from = e->p;
    if (!p) return 0;
    if (key >= 0) { /* offsets first, then the bytes */
        nd = e->g->keys.key[key].distinct;
        for (i = 0; i < nd; i++) sum += at[x->first[key][i] + 1u] - at[x->first[key][i]];
        to = telem_i_file_end_room(e, p, sum + 4u * ((size_t)nd + 1u));
        if (!to) return 0;
        offsets = (uint32_t *)(void *)to;
        to += 4u * ((size_t)nd + 1u);
        for (sum = 0, i = 0; i < nd; i++) {
            uint32_t row = x->first[key][i], len = at[row + 1u] - at[row];
            offsets[i] = sum;
            if (len) memcpy(to + sum, p + at[row], len);
            sum += len;
        }
        offsets[nd] = sum;
        e->g->keyed->saved[key] += e->g->keys.key[key].length; /* in row order it would have an index of its own */
        e->limit = (uint8_t *)(void *)offsets; /* nothing is written over them */
        i = (uint32_t)telem_i_file_put_strings(e, c, choice, to, offsets, nd, old);
        e->limit = e->end;
        return (int)i;
    }
    to = slot >= 0 ? telem_i_file_end_room(e, p, (at[n] - at[0]) + 8u * ((size_t)n + 1u)) : NULL;
    if (to) {
        offsets = (uint32_t *)(void *)to;
        to += 8u * ((size_t)n + 1u);
        telem_i_file_group_strings(telem_i_file_places(x, e->g->keyed->found.by[slot], n), n, p, at, offsets + n + 1u, to, offsets);
        e->limit = (uint8_t *)(void *)offsets;
        i = (uint32_t)telem_i_file_put_strings(e, c, &e->g->keyed->choice[slot], to, offsets, n, old);
        e->limit = e->end;
        if (!i) return 0;
        grouped = *e->item;
        memset(e->item, 0, sizeof *e->item);
        if (e->g->keyed->look && !telem_i_file_put_strings(e, c, choice, p, at, n, old)) return 0;
        if (telem_i_file_keep_grouped(e, (uint32_t)slot, from, &grouped)) return 1;
    }
    return telem_i_file_put_strings(e, c, choice, p, at, n, old);
}

/* The time, less the KEY block's. Are all as expected? All rows are distinct. */
static int telem_i_file_time_less_key(const telem_i_file_cencoder *e, const int64_t *t, uint8_t *to) {
    const uint64_t base = (uint64_t)e->s->key_time;
    const uint32_t n = e->q->n;
    uint64_t step = e->s->key ? 0 : (uint64_t)e->g->step, before = (uint64_t)(e->s->key ? e->s->first : e->g->t), other = 0;
    uint32_t i;
    for (i = 0; i < n && i < 2u; i++) { /* then the times before are those of the block */
        other |= (uint64_t)t[i] - (before + step);
        step = i == 0 && e->s->key ? 0 : (uint64_t)t[i] - before;
        before = (uint64_t)t[i];
    }
    for (; i < n; i++) other |= (uint64_t)t[i] - 2u * (uint64_t)(t - 1)[i] + (uint64_t)(t - 2)[i];
    for (i = 0; other && i < n; i++) {
        uint64_t v = (uint64_t)t[i] - base;
        memcpy(to + 8u * (size_t)i, &v, 8);
    }
    return !other;
}

/* The time, where rows repeat: less what each was expected to be. Are all so? */
static int telem_i_file_time_less_expected(const telem_i_file_cencoder *e, const int64_t *times, uint8_t *to) {
    int64_t t = e->s->key ? e->s->first : e->g->t, step = e->s->key ? 0 : e->g->step;
    uint64_t regular = 0;
    uint32_t i;
    for (i = 0; i < e->q->n; i++) {
        int64_t now = times[i];
        uint64_t off = telem_i_file_since(telem_i_file_plus(t, (uint64_t)step), now);
        memcpy(to + 8u * (size_t)i, &off, 8);
        regular |= off;
        step = i == 0 && e->s->key ? 0 : telem_i_signed(telem_i_file_since(t, now));
        t = telem_i_file_plus(now, (uint64_t)step * telem_i_file_source_run(e->q, i));
    }
    return regular == 0;
}

static int telem_i_file_put_time(telem_i_file_cencoder *e) {
    telem_column c = telem_i_file_own_column(1);
    uint8_t *to = e->w->columns->column;
    const int64_t *t = telem_i_file_source_clock(e->q, (int64_t *)(void *)to);
    int regular = e->q->n != e->q->rows ? telem_i_file_time_less_expected(e, t, to) : telem_i_file_time_less_key(e, t, to);
    return regular || telem_i_file_put_numbers(e, &c, &e->g->choice[1], to, NULL);
}

static int telem_i_file_put_runs(telem_i_file_cencoder *e) {
    const telem_i_file_source *q = e->q;
    telem_column c = telem_i_file_own_column(0);
    if (q->n == q->rows) return 1;
    return telem_i_file_put_numbers(e, &c, &e->g->choice[0], (const uint8_t *)(q->runs + q->first), NULL);
}

/* One column, by its number in the block. Where the state of a KEY block is all zero. */
static int telem_i_file_put_one(telem_i_file_cencoder *e, const telem_column *c, uint32_t element, uint32_t fix, uint32_t number) {
    const uint8_t *old = e->g->state + c->row + (size_t)element * c->width;
    telem_i_file_choice *choice = &e->g->choice[2u + c->index + element];
    uint8_t state[8];
    e->item = &e->g->items[number];
    if (telem_i_file_codes_text(c->type)) return telem_i_file_put_texts(e, c, element, choice, number, fix, old);
    if (telem_i_file_is_counter(c)) {
        telem_i_file_store(state, c->width, telem_i_file_load(old, c->width) + 1u);
        old = state;
    }
    return telem_i_file_put_column(e, c, choice, number, telem_i_file_source_numbers(e->q, c, element, fix, e->w->columns->column), old);
}

/* Before the block's items: the keys that are planned, and the run lengths. */
static int telem_i_file_put_opening(telem_i_file_cencoder *e) {
    telem_i_file_gather *g = e->g;
    uint32_t i;
    e->p = e->data;
    e->aligned = 0;
    if (e->s->has_variable && !e->q->columns)
        for (i = 0; i < e->q->n; i++) e->q->x->room.cursor[e->q->first + i] = telem_i_file_record_texts(e->q->f, e->q->first + i);
    memset(g->items, 0, (2u + (size_t)telem_schema_columns(e->s->schema)) * sizeof *g->items);
    if (!telem_i_file_put_indices(e)) return 0;
    e->item = &g->items[0];
    return telem_i_file_put_runs(e);
}

/* Keys that save less than their indices take go, with their columns; 1: none went. They also cost time. */
static int telem_i_file_keep_keys(telem_i_file_cencoder *e) {
    telem_i_file_keyed *x = e->g->keyed;
    telem_i_file_grouping *f = &x->found;
    uint32_t key, i, keys = 0, all = f->keys;
    for (key = 0; key < all; key++) {
        int stays = x->saved[key] > e->g->keys.key[key].length + (uint64_t)(e->p - e->data) / 64u;
        for (i = 0; i < f->columns; i++)
            if (f->by[i] == key) f->by[i] = stays ? (uint8_t)keys : UINT8_MAX;
        if (stays) f->key[keys++] = f->key[key];
    }
    f->keys = keys;
    return keys == all;
}

/* Keys are looked for now and then. */
static void telem_i_file_look_for_keys(telem_i_file_cencoder *e, telem_i_file_seeking *z) {
    telem_i_file_keyed *x = e->g->keyed;
    x->begun = 1;
    x->left = TELEM_I_FILE_LOOKS;
    e->p = e->data;
    telem_i_file_seek_begin(z, &e->w->columns->k, telem_i_file_view_column, e, telem_schema_columns(e->s->schema), e->q->n, &x->found);
    memset(x->choice, 0, sizeof x->choice);
    memset(x->saved, 0, sizeof x->saved);
    memset(x->mode, 0, sizeof x->mode);
}

/* ---- the head: form, distinct rows, keys, directory ---- */

/* Bytes that go out one behind the other, or are only counted (p NULL). */
typedef struct telem_i_file_head {
    uint8_t *p;
    size_t n;
} telem_i_file_head;

static void telem_i_file_head_byte(telem_i_file_head *h, uint32_t v) {
    if (h->p) h->p[h->n] = (uint8_t)v;
    h->n++;
}
static void telem_i_file_head_varint(telem_i_file_head *h, uint64_t v) {
    if (h->p) (void)telem_varint_put(h->p + h->n, v);
    h->n += telem_varint_size(v);
}

/* A section of the directory being written. */
typedef struct telem_i_file_section {
    const telem_i_file_framing *f;
    const uint8_t *data; /* of the block */
    size_t at, chunk;    /* where the next column lies; where the chunk began */
    uint8_t indexed;
} telem_i_file_section;

static void telem_i_file_put_check(telem_i_file_head *h, telem_i_file_section *x) {
    if (h->p) telem_put32(h->p + h->n, telem_i_file_payload_hash(x->f, x->data + x->chunk, x->at - x->chunk, x->f->seed));
    h->n += 4;
    x->chunk = x->at;
}

static void telem_i_file_put_entry(telem_i_file_head *h, telem_i_file_section *x, const telem_i_file_citem *item) {
    if (!item->coded) return;
    telem_i_file_head_byte(h, item->codec);
    telem_i_file_head_varint(h, item->length);
    if (item->codec & TELEM_I_FILE_CODEC_GROUPED) telem_i_file_head_byte(h, item->key);
    if (item->codec & TELEM_I_FILE_CODEC_BOUNDS) {
        telem_i_file_head_byte(h, item->lo);
        telem_i_file_head_byte(h, item->hi);
    }
    if ((item->codec & TELEM_I_FILE_CODEC_ID) == TELEM_I_FILE_CODEC_RAW) x->at = telem_i_file_aligned(x->f, x->at);
    x->at += item->length;
    if (x->indexed && x->at - x->chunk >= TELEM_I_FILE_CHECKED) telem_i_file_put_check(h, x);
}

static void telem_i_file_put_section(telem_i_file_head *h, telem_i_file_section *x, const telem_i_file_citem *items, uint32_t n) {
    uint32_t i, k, zeros = 0;
    for (i = 0; i < n; i += 8) {
        uint32_t size = n - i < 8 ? n - i : 8, mask = 0;
        for (k = 0; k < size; k++) mask |= (uint32_t)items[i + k].coded << k;
        if (mask == 0) zeros++;
        if (zeros && (mask || i + 8 >= n)) {
            telem_i_file_head_byte(h, 0);
            telem_i_file_head_varint(h, zeros - 1u);
            zeros = 0;
        }
        if (mask == 0) continue;
        telem_i_file_head_byte(h, mask);
        for (k = 0; k < size; k++) telem_i_file_put_entry(h, x, &items[i + k]);
    }
    if (x->indexed && x->at > x->chunk) telem_i_file_put_check(h, x); /* no chunk lies in two sections */
}

static void telem_i_file_put_keys(telem_i_file_head *h, telem_i_file_section *x, const telem_i_file_gather *g) {
    uint32_t i, m;
    telem_i_file_head_byte(h, g->keys.count);
    for (i = 0; i < g->keys.count; i++) {
        const telem_i_file_key *key = &g->keys.key[i];
        telem_i_file_head_varint(h, key->members);
        for (m = 0; m < key->members; m++) telem_i_file_head_varint(h, key->member[m]);
        telem_i_file_head_varint(h, key->distinct);
        telem_i_file_head_varint(h, key->length);
        x->at += key->length;
        if (x->indexed) telem_i_file_put_check(h, x);
    }
}

/* The head in the making: its parts lie apart until their sizes are known. */
typedef struct telem_i_file_heading {
    telem_i_file_head keys, table, dir;
    telem_i_file_section x;
    uint32_t next; /* the first column of the section that comes next */
} telem_i_file_heading;

#define TELEM_I_FILE_HEAD_START 16u /* bytes for what stands in front of the keys.. */
#define TELEM_I_FILE_HEAD_KEYS 128u /* ..and with them: KEYED x (8 x 3 + 12) + 1 */
#define TELEM_I_FILE_HEAD_SECTIONS 2u /* in one step */

static void telem_i_file_head_begin(const telem_i_file_cencoder *e, telem_i_file_heading *d) {
    uint8_t *room = e->data - e->g->head_size;
    memset(d, 0, sizeof *d);
    d->x.f = &e->w->framing;
    d->x.data = e->data;
    d->x.indexed = (size_t)(e->p - e->data) >= TELEM_I_FILE_INDEXED_FROM;
    d->keys.p = room + TELEM_I_FILE_HEAD_START;
    d->table.p = room + TELEM_I_FILE_HEAD_KEYS;
    d->dir.p = d->table.p + (e->g->columns / TELEM_I_FILE_SECTION + 1u) * 16u;
    if (e->g->keys.count) telem_i_file_put_keys(&d->keys, &d->x, e->g);
}

/* Some sections of the directory; 1: it is whole. */
static int telem_i_file_head_sections(const telem_i_file_cencoder *e, telem_i_file_heading *d, uint32_t most) {
    for (; most && d->next < e->g->columns; most--, d->next += TELEM_I_FILE_SECTION) {
        uint32_t left = e->g->columns - d->next, n = left < TELEM_I_FILE_SECTION ? left : TELEM_I_FILE_SECTION;
        size_t dir = d->dir.n, data = d->x.at;
        telem_i_file_put_section(&d->dir, &d->x, e->g->items + d->next, n);
        if (!d->x.indexed) continue;
        telem_i_file_head_varint(&d->table, d->dir.n - dir);
        telem_i_file_head_varint(&d->table, d->x.at - data);
    }
    return d->next >= e->g->columns;
}

/* A part goes in front of what is there. */
static uint8_t *telem_i_file_head_join(uint8_t *to, const telem_i_file_head *part) {
    to -= part->n;
    memmove(to, part->p, part->n);
    return to;
}

/* The head goes right before the data. Returns the payload; *seal is where the head's check goes, 0: none. */
static uint8_t *telem_i_file_head_end(const telem_i_file_cencoder *e, telem_i_file_heading *d, size_t *len, size_t *seal) {
    uint8_t begin[TELEM_I_FILE_HEAD_START], *to = e->data;
    size_t check = d->x.indexed ? 4u : 0, pad, n;
    telem_i_file_head h;
    h.p = begin;
    h.n = 0;
    telem_i_file_head_byte(&h, (d->x.indexed ? TELEM_I_FILE_FORM_INDEXED : 0u) | (e->aligned ? TELEM_I_FILE_FORM_ALIGNED : 0u) |
                                   (e->g->keys.count ? TELEM_I_FILE_FORM_KEYS : 0u));
    telem_i_file_head_varint(&h, e->q->n);
    if (d->x.indexed) telem_i_file_head_varint(&h, d->keys.n + d->table.n + d->dir.n + check);
    n = h.n + d->keys.n + d->table.n + d->dir.n + check;
    pad = e->aligned ? telem_i_file_aligned(&e->w->framing, n) - n : 0;
    to -= pad + check; /* the last part first: none reaches down to where the next one still lies */
    to = telem_i_file_head_join(to, &d->dir);
    to = telem_i_file_head_join(to, &d->table);
    to = telem_i_file_head_join(to, &d->keys);
    to = telem_i_file_head_join(to, &h);
    memset(e->data - pad, 0, pad);
    *seal = check ? n - check : 0;
    *len = n + pad + (size_t)(e->p - e->data);
    return to;
}

/* ---- a block of a source ---- */

/* Row numbers and times of the block for its header: rows that repeat begin at times[i] and go on in the last step. */
static void telem_i_file_runs_times(telem_i_file_wstream *s, const telem_i_file_source *q, const int64_t *times) {
    int64_t t = s->t, step = s->key ? 0 : s->step;
    uint32_t i;
    for (i = 0; i < q->n; i++) {
        int64_t now = times[i], last;
        uint32_t run = telem_i_file_source_run(q, i);
        if (i && now < t) s->disorder = 1;
        step = i == 0 && s->key ? 0 : telem_i_signed(telem_i_file_since(t, now));
        last = telem_i_file_plus(now, (uint64_t)step * run);
        if (run && (step < 0 || last < now)) s->disorder = 1;
        if (now < s->min) s->min = now;
        if (last < s->min) s->min = last;
        if (now > s->max) s->max = now;
        if (last > s->max) s->max = last;
        t = last;
    }
    s->t = t;
    s->step = step;
}
static void telem_i_file_source_times(telem_i_file_wstream *s, const telem_i_file_source *q) {
    const int64_t *t = telem_i_file_source_clock(q, (int64_t *)(void *)q->x->column);
    uint64_t apart = 0, falls = 0;
    uint32_t i, n = q->n;
    int back = 0;
    s->first = s->min = s->max = t[0];
    s->disorder = 0;
    s->t = s->g->t;
    s->step = s->g->step;
    if (s->key) s->key_time = s->t = t[0];
    if (q->n != q->rows) {
        telem_i_file_runs_times(s, q, t);
        return;
    }
    for (i = 1; i < n; i++) { /* differences of what is less than 2^62 apart cannot wrap: a loop that vectorises */
        apart |= (uint64_t)t[i] ^ (uint64_t)t[0];
        falls |= (uint64_t)t[i] - (uint64_t)(t - 1)[i];
    }
    back = falls >> 63 != 0;
    for (i = 1; apart >> 62 && i < n; i++) {
        if (i == 1) back = 0;
        back |= t[i] < (t - 1)[i];
    }
    s->disorder = (uint8_t)back;
    s->max = t[n - 1u];
    for (i = 0; back && i < n; i++) {
        s->min = t[i] < s->min ? t[i] : s->min;
        s->max = t[i] > s->max ? t[i] : s->max;
    }
    s->step = n > 1u || !s->key ? telem_i_signed(telem_i_file_since(n > 1u ? t[n - 2u] : s->t, t[n - 1u])) : 0;
    s->t = t[n - 1u];
}

/* Is each optional field there in all rows? */
static int telem_i_file_source_all_present(telem_i_file_wstream *s, const telem_i_file_source *q, uint8_t *room) {
    telem_columns it;
    telem_column c;
    uint32_t fix = 0;
    if (!s->has_optional) return 0;
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &c)) {
        if (c.presence) {
            const uint8_t *p = telem_i_file_source_numbers(q, &c, 0, fix, room);
            if (p[0] == 0 || !telem_i_file_all_equal(p, 1, q->n)) return 0;
        }
        fix += (telem_i_file_codes_variable(c.type) ? 4u : c.width) * c.count;
    }
    return 1;
}

/* A block is coded in steps, so that no caller waits long: see >>pace. */
enum {
    TELEM_I_FILE_JOB_NONE,
    TELEM_I_FILE_JOB_PART, /* of the rows: all that are left, or as many as fit */
    TELEM_I_FILE_JOB_SEEK,
    TELEM_I_FILE_JOB_OPENING,
    TELEM_I_FILE_JOB_TIME,
    TELEM_I_FILE_JOB_COLUMN,
    TELEM_I_FILE_JOB_HEAD,
    TELEM_I_FILE_JOB_STATE,
    TELEM_I_FILE_JOB_HASH,
    TELEM_I_FILE_JOB_WRITE
};
#define TELEM_I_FILE_HASH_PIECE 65536u
#define TELEM_I_FILE_WRITE_PIECE 16384u
/* Costs of steps, in about nanoseconds: of a value (by level), of a column besides, of some sections of a head, of a
   piece written (and its bytes). */
#define TELEM_I_FILE_COST_FAST 5u
#define TELEM_I_FILE_COST_VALUE 10u
#define TELEM_I_FILE_COST_COLUMN 200u
#define TELEM_I_FILE_COST_HEAD 5000u
#define TELEM_I_FILE_COST_WRITE 2000u

typedef struct telem_i_file_job {
    telem_i_file_wstream *s;
    telem_i_file_source q;
    telem_i_file_cencoder e;
    telem_columns it; /* the column that comes next: `element` of `c` */
    telem_column c;
    uint32_t element, fix, number;
    uint32_t end; /* rows to be coded */
    uint8_t phase;
    uint8_t halves; /* times that a part was coded for nothing: the rows that come pay more then */
    telem_i_file_hash *hash; /* 64-aligned */
    telem_i_file_frame frame;
    telem_i_file_seeking seeking;
    telem_i_file_heading heading;
    uint8_t *payload; /* with its head: len bytes, the head's check at `seal` */
    size_t len, seal;
} telem_i_file_job;

/* The time of all rows in the block, those that repeat included. */
static void telem_i_file_job_count(telem_i_file_job *j) {
    telem_i_file_source *q = &j->q;
    uint32_t i;
    q->rows = q->n;
    for (i = 0; q->runs && i < q->n; i++) q->rows += telem_i_file_source_run(q, i);
}

/* Rows of a job that do not go out are lost. */
static void telem_i_file_job_end(telem_file_writer *w, telem_i_file_job *j) {
    uint32_t i;
    j->q.rows = 0;
    for (i = j->q.first; i < j->end; i++) j->q.rows += 1u + (j->q.runs ? j->q.runs[i] : 0u);
    if (j->q.rows && !j->e.g->trial) telem_i_file_lose(w, j->s, j->q.rows, j->s->min, j->s->max);
    if (!j->e.g->trial) j->s->rows = 0;
    j->phase = TELEM_I_FILE_JOB_NONE;
}

/* The part does not fit into a block: half of it may. */
static void telem_i_file_job_halve(telem_file_writer *w, telem_i_file_job *j) {
    if (j->q.n == 1 || j->e.g->trial) { /* the stream's rows were checked to fit */
        if (!j->e.g->trial) telem_i_file_writer_fail(w, TELEM_ERR_LIMIT, "a row is larger than a block");
        telem_i_file_job_end(w, j);
        return;
    }
    j->q.n = (j->q.n + 1u) / 2u;
    j->halves = (uint8_t)(j->halves < 8u ? j->halves + 2u : 8u);
    j->phase = TELEM_I_FILE_JOB_PART;
}

/* A part begins. s->key, s->first_row are set. */
static void telem_i_file_job_part(telem_file_writer *w, telem_i_file_job *j) {
    telem_i_file_wstream *s = j->s;
    telem_i_file_gather *g = s->g;
    telem_i_file_keyed *x = g->keyed;
    telem_i_file_cencoder *e = &j->e;
    telem_i_file_job_count(j);
    memset(e, 0, sizeof *e);
    e->w = w;
    e->s = s;
    e->g = g;
    e->q = &j->q;
    e->data = e->p = w->columns->room.out + g->head_size;
    e->limit = e->end = w->columns->room.out + w->columns->room.out_size;
    telem_i_file_source_times(s, &j->q);
    s->all_present = (uint8_t)telem_i_file_source_all_present(s, &j->q, w->columns->column);
    if (s->key) memset(g->state, 0, s->row_size);
    if (s->all_present) telem_i_file_set_presence(s->schema, g->state);
    j->phase = TELEM_I_FILE_JOB_OPENING;
    if (x->left && x->all_present == s->all_present) {
        x->left--;
        return;
    }
    x->all_present = s->all_present;
    if (w->columns->k.level != 2 && telem_schema_columns(s->schema) > TELEM_I_FILE_KEY_WIDE) { /* rows so wide are hardly many sources' */
        x->left = TELEM_I_FILE_LOOKS;
        return;
    }
    if (!x->begun && j->q.n < TELEM_I_FILE_KEY_FIRST && w->columns->k.level != 2) { /* it takes time: is there more to come? */
        x->begun = 1;
        x->found.keys = x->found.columns = 0;
        return;
    }
    telem_i_file_look_for_keys(e, &j->seeking);
    j->phase = TELEM_I_FILE_JOB_SEEK;
}

/* What did not fit is coded without keys. */
static void telem_i_file_job_failed(telem_file_writer *w, telem_i_file_job *j) {
    telem_i_file_keyed *x = j->e.g->keyed;
    if (x->found.keys == 0) {
        telem_i_file_job_halve(w, j);
        return;
    }
    if (!x->look) x->left = 0; /* they do not hold any more */
    else x->found.columns = 0;
    x->look = 0;
    x->found.keys = 0;
    j->phase = TELEM_I_FILE_JOB_OPENING;
}

/* All columns are coded. At a look those that may be in the order of a key were coded both ways. */
static void telem_i_file_job_coded(telem_i_file_job *j) {
    telem_i_file_keyed *x = j->e.g->keyed;
    j->e.g->columns = j->number;
    j->phase = TELEM_I_FILE_JOB_HEAD;
    if (x->look) {
        x->look = 0;
        if (!telem_i_file_keep_keys(&j->e)) j->phase = TELEM_I_FILE_JOB_OPENING;
    }
    if (j->phase == TELEM_I_FILE_JOB_HEAD) telem_i_file_head_begin(&j->e, &j->heading);
}

/* The next field of the schema that has columns in the block; 0: there is none. */
static int telem_i_file_job_field(telem_i_file_job *j) {
    j->element = 0;
    do {
        if (j->c.field) j->fix += (telem_i_file_codes_variable(j->c.type) ? 4u : j->c.width) * j->c.count;
        if (!telem_columns_next(&j->it, &j->c)) return 0;
    } while ((j->c.presence && j->s->all_present) || j->c.count == 0);
    return 1;
}

static void telem_i_file_job_first_column(telem_i_file_job *j) {
    telem_columns_begin(&j->it, j->s->schema);
    memset(&j->c, 0, sizeof j->c);
    j->fix = 0;
    j->number = 2;
    j->phase = TELEM_I_FILE_JOB_COLUMN;
    if (!telem_i_file_job_field(j)) telem_i_file_job_coded(j);
}

static void telem_i_file_job_column(telem_file_writer *w, telem_i_file_job *j) {
    if (!telem_i_file_put_one(&j->e, &j->c, j->element, j->fix, j->number)) {
        telem_i_file_job_failed(w, j);
        return;
    }
    j->number++;
    if (++j->element == j->c.count && !telem_i_file_job_field(j)) telem_i_file_job_coded(j);
}

static int telem_i_file_group_ends(const telem_file_writer *w, telem_i_file_wstream *s);

#define TELEM_I_FILE_STATE_PIECE 256u /* columns in one step */

/* One value of the last row, into the state. */
static void telem_i_file_state_value(telem_i_file_wstream *s, const telem_i_file_source *last, const telem_column *c, uint32_t element, uint32_t fix,
                                     uint32_t run) {
    uint8_t v[8], *to = s->g->state + c->row + (size_t)element * c->width;
    const uint8_t *p;
    uint32_t n = 0;
    if (!telem_i_file_codes_text(c->type)) {
        telem_i_file_to_little(to, telem_i_file_source_numbers(last, c, element, fix, v), c->width, 1);
        if (telem_i_file_is_counter(c)) telem_i_file_store(to, c->width, telem_i_file_load(to, c->width) + run);
        return;
    }
    p = telem_i_file_source_text(last, c, element, fix, 0, &n);
    memset(to, 0, c->width);
    if (telem_i_file_codes_variable(c->type)) {
        telem_put32(to, n);
        to += 4;
        if (!last->columns) last->x->room.cursor[last->first] += n;
    }
    if (n) memcpy(to, p, n);
}

/* The state that the block leaves: its last row. Some columns of it; 1: all are done. */
static int telem_i_file_job_state(telem_i_file_job *j) {
    const telem_i_file_source *q = &j->q;
    telem_i_file_source last = *q;
    uint32_t most = TELEM_I_FILE_STATE_PIECE, run = telem_i_file_source_run(q, q->n - 1u);
    last.first = q->first + q->n - 1u;
    last.n = 1;
    last.runs = NULL;
    for (; most; most--) {
        if (j->element == j->c.count) {
            j->element = 0;
            if (j->c.field) j->fix += (telem_i_file_codes_variable(j->c.type) ? 4u : j->c.width) * j->c.count;
            if (!telem_columns_next(&j->it, &j->c)) return 1;
            if (j->c.count == 0) continue;
        }
        telem_i_file_state_value(j->s, &last, &j->c, j->element++, j->fix, run);
    }
    return 0;
}

/* The block is coded: its head. */
static void telem_i_file_job_head(telem_file_writer *w, telem_i_file_job *j) {
    telem_i_file_wstream *s = j->s;
    telem_i_file_gather *g = s->g;
    if (!telem_i_file_head_sections(&j->e, &j->heading, TELEM_I_FILE_HEAD_SECTIONS)) return;
    j->payload = telem_i_file_head_end(&j->e, &j->heading, &j->len, &j->seal);
    g->bytes_per_row = (j->len * 256u + j->q.n - 1u) / j->q.n;
    if (g->trial) {
        telem_i_file_job_end(w, j);
        return;
    }
    if (j->len + 2u * TELEM_I_FILE_ROOM > w->desc.max_block || (j->len > s->goal && !j->q.columns && j->q.n > 2u * TELEM_I_FILE_LEAST_ROWS)) {
        telem_i_file_job_halve(w, j); /* a flipped byte costs a block: of single rows block_bytes is kept */
        return;
    }
    if (s->has_variable && !j->q.columns) {
        uint32_t last = j->q.first + j->q.n - 1u;
        w->columns->room.cursor[last] = telem_i_file_record_texts(j->q.f, last);
    }
    telem_columns_begin(&j->it, s->schema);
    memset(&j->c, 0, sizeof j->c);
    j->element = j->fix = 0;
    j->phase = TELEM_I_FILE_JOB_STATE;
}

/* Its header, and what the next block needs of it. */
static void telem_i_file_job_frame(telem_file_writer *w, telem_i_file_job *j) {
    telem_i_file_wstream *s = j->s;
    if (!telem_i_file_job_state(j)) return;
    s->rows = j->q.rows;
    if (s->key) {
        s->key_row = s->first_row;
        s->group_bytes = s->group_rows = 0;
        s->need_key = 0;
    }
    s->g->t = s->t;
    s->g->step = s->step;
    telem_i_file_frame_open(w, s, TELEM_BLOCK_COLUMNS, j->payload, j->len, j->seal, &j->frame);
    telem_i_file_hash_begin(j->hash, w->framing.payload_hash, j->frame.check);
    j->phase = TELEM_I_FILE_JOB_HASH;
}

static uint32_t telem_i_file_job_hash(telem_i_file_job *j) {
    telem_i_file_frame *f = &j->frame;
    size_t n = f->len - f->hashed < TELEM_I_FILE_HASH_PIECE ? f->len - f->hashed : TELEM_I_FILE_HASH_PIECE;
    telem_i_file_hash_add(j->hash, f->p + f->head + f->hashed, n);
    f->hashed += n;
    if (f->hashed == f->len) {
        telem_put32(f->p + f->head + f->len, telem_i_file_hash_end(j->hash));
        j->phase = TELEM_I_FILE_JOB_WRITE;
    }
    return (uint32_t)n / 16u + 100u;
}

static uint32_t telem_i_file_job_write(telem_file_writer *w, telem_i_file_job *j) {
    telem_i_file_frame *f = &j->frame;
    telem_i_file_wstream *s = j->s;
    size_t n = f->total - f->done < TELEM_I_FILE_WRITE_PIECE ? f->total - f->done : TELEM_I_FILE_WRITE_PIECE, cut;
    uint32_t rows = s->rows;
    cut = telem_i_file_out(w, f->p + f->done, n);
    f->done += n;
    if (cut == 0 && f->done < f->total) return TELEM_I_FILE_COST_WRITE + (uint32_t)n / 4u;
    j->phase = TELEM_I_FILE_JOB_PART;
    telem_i_file_frame_close(w, s, f, cut + (f->total - f->done));
    s->first_row += rows;
    j->q.first += j->q.n;
    j->q.n = j->end - j->q.first;
    s->key = 0; /* of the next part; a KEY block's first row leaves step 0, rows that repeat this one have another */
    if (j->q.first < j->end && telem_i_file_source_run(&j->q, 0) == 0 && w->desc.key_bytes == 0) s->key = (uint8_t)telem_i_file_group_ends(w, s);
    if (j->q.first == j->end || w->error.code != TELEM_OK) telem_i_file_job_end(w, j);
    return TELEM_I_FILE_COST_WRITE + (uint32_t)n / 4u;
}

static uint32_t telem_i_file_column_cost(const telem_file_writer *w, uint32_t n) {
    return n * (w->desc.level == TELEM_FILE_FAST ? TELEM_I_FILE_COST_FAST : TELEM_I_FILE_COST_VALUE) + TELEM_I_FILE_COST_COLUMN;
}

/* One step; returns about what it cost, 1 or more. */
static uint32_t telem_i_file_job_step(telem_file_writer *w, telem_i_file_job *j) {
    uint32_t column = telem_i_file_column_cost(w, j->q.n);
    telem_i_file_keyed *x = j->s->g->keyed;
    switch (j->phase) {
    case TELEM_I_FILE_JOB_PART: telem_i_file_job_part(w, j); return column / 4u;
    case TELEM_I_FILE_JOB_SEEK:
        if (telem_i_file_seek_step(&j->seeking, 2)) {
            x->look = x->found.keys != 0;
            j->phase = TELEM_I_FILE_JOB_OPENING;
        }
        return TELEM_I_FILE_COST_HEAD;
    case TELEM_I_FILE_JOB_OPENING:
        j->phase = TELEM_I_FILE_JOB_TIME;
        if (!telem_i_file_put_opening(&j->e)) telem_i_file_job_failed(w, j);
        return column / 4u;
    case TELEM_I_FILE_JOB_TIME:
        j->e.item = &j->e.g->items[1];
        if (!telem_i_file_put_time(&j->e)) telem_i_file_job_failed(w, j);
        else telem_i_file_job_first_column(j);
        return column;
    case TELEM_I_FILE_JOB_COLUMN: telem_i_file_job_column(w, j); return column;
    case TELEM_I_FILE_JOB_HEAD: telem_i_file_job_head(w, j); return TELEM_I_FILE_COST_HEAD;
    case TELEM_I_FILE_JOB_STATE: telem_i_file_job_frame(w, j); return TELEM_I_FILE_COST_HEAD;
    case TELEM_I_FILE_JOB_HASH: return telem_i_file_job_hash(j);
    default: return telem_i_file_job_write(w, j);
    }
}

/* Steps that wait for the rows to come, in about nanoseconds. */
static uint64_t telem_i_file_job_cost(const telem_file_writer *w, const telem_i_file_gather *g, uint32_t n) {
    uint64_t columns = g->columns > 2u ? g->columns : 2u, bytes = g->bytes_per_row * n / 256u;
    return (columns + 2u) * telem_i_file_column_cost(w, n) + (columns / 64u + 2u) * TELEM_I_FILE_COST_HEAD + bytes / 2u + 2u * TELEM_I_FILE_COST_WRITE;
}

/* The job's source is q; s->key, s->first_row are set. */
static void telem_i_file_job_begin(telem_i_file_job *j, telem_i_file_wstream *s, const telem_i_file_source *q) {
    j->s = s;
    j->q = *q;
    j->end = q->first + q->n;
    j->halves = 0;
    j->e.g = s->g;
    j->phase = TELEM_I_FILE_JOB_PART;
}

/* A source becomes blocks at once. */
static void telem_i_file_write_source(telem_file_writer *w, telem_i_file_wstream *s, const telem_i_file_source *q) {
    telem_i_file_job *j = w->columns->job;
    if (w->error.code != TELEM_OK && !s->g->trial) {
        uint32_t i;
        uint64_t rows = q->n;
        for (i = 0; q->runs && i < q->n; i++) rows += q->runs[q->first + i];
        telem_i_file_lose(w, s, rows, 0, 0);
        return;
    }
    telem_i_file_job_begin(j, s, q);
    while (j->phase != TELEM_I_FILE_JOB_NONE) (void)telem_i_file_job_step(w, j);
}

/* Rows of a stream's first block. Wide ones compress less, and what does not fit is coded for nothing. */
static uint64_t telem_i_file_opening(const telem_file_writer *w, uint64_t raw) {
    uint64_t most = (uint64_t)w->desc.max_block + w->desc.max_block / 4u;
    return (raw >= TELEM_I_FILE_WIDE && most < TELEM_I_FILE_OPENING ? most : TELEM_I_FILE_OPENING) / raw;
}

/* A block is not closed for its bytes before it has so many rows. What each column costs by itself counts most in
   wide rows: level `fast` takes twice as many of them. */
static uint32_t telem_i_file_least_rows(const telem_file_writer_desc *f, int wide) {
    return wide && f->level == TELEM_FILE_FAST ? 2u * TELEM_I_FILE_LEAST_ROWS : TELEM_I_FILE_LEAST_ROWS;
}

/* Rows of the next block of a stream by what its blocks took so far. */
static uint32_t telem_i_file_rows_for(const telem_file_writer *w, const telem_i_file_wstream *s, uint32_t goal) {
    const telem_i_file_gather *g = s->g;
    uint64_t n = telem_i_file_opening(w, g->raw);
    if (g->bytes_per_row) n = (uint64_t)goal * 256u / g->bytes_per_row;
    if (n < telem_i_file_least_rows(&w->desc, g->own)) n = telem_i_file_least_rows(&w->desc, g->own);
    return n > w->desc.block_rows ? w->desc.block_rows : (uint32_t)n;
}
/* Of rows that are gathered: somewhat less, since a block above its goal is coded again in halves. */
static uint32_t telem_i_file_block_goal(const telem_file_writer *w, const telem_i_file_wstream *s) {
    return telem_i_file_rows_for(w, s, s->goal - s->goal / 8u);
}

/* What the values of the last row take in a KEY block when they do not change: nothing in another block. */
static uint64_t telem_i_file_state_bytes(const telem_i_file_wstream *s) {
    telem_columns it;
    telem_column c;
    uint64_t n = 0;
    uint32_t i;
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &c))
        for (i = 0; i < c.count; i++)
            n += 2u + (telem_i_file_codes_variable(c.type) ? telem_get32(s->g->state + c.row + (size_t)i * c.width) : c.width);
    return n;
}

/* Is the group of a stream to end before the next block? Damage to a block costs what is left of its group,
   so each block is KEY where that costs little. Where nothing changes it would cost most of the file: there
   the others of a group together take as much as its KEY block. */
static int telem_i_file_group_ends(const telem_file_writer *w, telem_i_file_wstream *s) {
    uint64_t state;
    if (w->desc.key_bytes) return s->group_bytes + s->last_bytes > w->desc.key_bytes && s->group_rows >= w->desc.key_rows;
    state = telem_i_file_state_bytes(s);
    if (s->group_bytes == s->last_bytes) { /* the KEY block was the last one */
        s->g->key_len = s->last_bytes;
        return 4u * (uint64_t)s->last_bytes > 5u * state + 256u;
    }
    return 2u * (uint64_t)s->last_bytes > state || s->group_bytes > 2u * (uint64_t)s->g->key_len;
}

/* Records of the next block of rows that come one by one. It and the one before share the writer's pages, with some
   left for others. */
static uint32_t telem_i_file_fill_goal(const telem_file_writer *w, const telem_i_file_wstream *s) {
    const telem_i_file_gather *g = s->g;
    uint32_t n = telem_i_file_block_goal(w, s), most = w->desc.gather_bytes / 8u * 3u / g->record;
    if (g->bytes_per_row == 0) { /* a first block that comes out too large would be coded twice */
        uint64_t opening = 2u * (uint64_t)s->goal / g->raw;
        if (opening < TELEM_I_FILE_LEAST_ROWS) opening = TELEM_I_FILE_LEAST_ROWS;
        if (n > opening) n = (uint32_t)opening;
    }
    if (n > g->cap) n = g->cap;
    return !g->own && n > most ? (most ? most : 1u) : n;
}

/* A block begins: KEY when one is due, or when the group ends. */
static void telem_i_file_begin_columns(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
    telem_i_file_announce(w, s, time);
    s->key = (uint8_t)(telem_i_file_key_due(w, s, time) || telem_i_file_group_ends(w, s));
}

/* ---- pages ---- */

static void telem_i_file_free_page(telem_i_file_pages *x, uint8_t *p) {
    memcpy(p, &x->free, sizeof x->free);
    x->free = p;
    x->count++;
}

static uint8_t *telem_i_file_take_page(telem_i_file_pages *x) {
    uint8_t *p = x->free;
    memcpy(&x->free, p, sizeof x->free);
    x->count--;
    return p;
}

static telem_i_file_pages *telem_i_file_pool_of(telem_i_file_cshared *x, telem_i_file_gather *g) { return g->own ? &g->own_pool : &x->pool; }

/* No row waits any more. */
static void telem_i_file_free_pages(telem_i_file_cshared *x, telem_i_file_gather *g, telem_i_file_batch *f) {
    while (f->pages) telem_i_file_free_page(telem_i_file_pool_of(x, g), f->page[--f->pages]);
    while (f->heap_pages) telem_i_file_free_page(&x->pool, f->heap[--f->heap_pages]);
    f->count = f->heap_used = f->rows = 0;
    f->repeats = 0;
}

/* ---- the tile ---- */

/* n records, `step` bytes apart, to the places from `row` on of a page: columns of one width. */
static void telem_i_file_transpose(uint8_t *page, uint32_t shift, uint32_t row, const uint8_t *from, size_t step, uint32_t n, const telem_i_file_strip *z) {
    uint32_t e = 0, i, w = z->width;
    uint8_t *to = page + ((size_t)z->in << shift) + (size_t)row * w;
    size_t next = (size_t)w << shift;
    from += z->in - TELEM_I_FILE_RECORD;
#if TELEM_I_LITTLE_ENDIAN
    for (; w == 4 && n == TELEM_I_FILE_TILE && e + 2u <= z->count; e += 2, from += 8, to += 2u * next) /* two columns at a time */
        for (i = 0; i < TELEM_I_FILE_TILE; i += 2) {
            uint64_t a, b, lo, hi;
            memcpy(&a, from + i * step, 8);
            memcpy(&b, from + (i + 1u) * step, 8);
            lo = (a & 0xFFFFFFFFu) | b << 32;
            hi = a >> 32 | (b >> 32) << 32;
            memcpy(to + 4u * i, &lo, 8);
            memcpy(to + next + 4u * i, &hi, 8);
        }
#endif
    for (; e < z->count; e++, from += w, to += next) {
        switch (w) {
        case 1: for (i = 0; i < n; i++) to[i] = from[i * step]; break;
        case 2: for (i = 0; i < n; i++) memcpy(to + 2u * i, from + i * step, 2); break;
        case 4: for (i = 0; i < n; i++) memcpy(to + 4u * i, from + i * step, 4); break;
        case 8: for (i = 0; i < n; i++) memcpy(to + 8u * i, from + i * step, 8); break;
        default: for (i = 0; i < n; i++) memcpy(to + (size_t)w * i, from + i * step, w); break;
        }
    }
}

/* The tile's records go to their pages. */
static void telem_i_file_tile_out(telem_i_file_gather *g) {
    telem_i_file_batch *f = &g->fill;
    uint32_t done = 0, k, page = (uint32_t)1 << f->shift, step = g->record - TELEM_I_FILE_RECORD;
    while (done < g->tiled) {
        uint32_t row = f->count - g->tiled + done, in = row & (page - 1u), n = page - in < g->tiled - done ? page - in : g->tiled - done;
        for (k = 0; k < g->strips; k++) telem_i_file_transpose(f->page[row >> f->shift], f->shift, in, g->tile + (size_t)done * step, step, n, &g->strip[k]);
        done += n;
    }
    g->tiled = 0;
}

/* Does s->row only repeat s->prev, COUNTERs stepping? What is absent does not count. */
static int telem_i_file_repeats(const telem_i_file_wstream *s) {
    telem_columns it;
    telem_column c;
    uint32_t absent_end = 0, i;
    if (!s->has_optional && !s->has_counter) return memcmp(s->row, s->prev, s->row_size) == 0;
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &c)) {
        const uint8_t *a = s->row + c.row, *b = s->prev + c.row;
        if (c.row < absent_end) continue;
        if (c.presence && *a == 0) absent_end = c.row + 1u + c.covers;
        if (!telem_i_file_is_counter(&c)) {
            if (memcmp(a, b, (size_t)c.width * c.count) != 0) return 0;
            continue;
        }
        for (i = 0; i < c.count; i++, a += c.width, b += c.width)
            if (telem_i_file_residual(telem_i_file_load(a, c.width), telem_i_file_load(b, c.width) + 1u, c.width) != 0) return 0;
    }
    return 1;
}

/* COUNTERs that are absent keep their value in rows that repeat: both sides step them. */
static void telem_i_file_step_prev(telem_i_file_wstream *s) {
    telem_columns it;
    telem_column c;
    uint32_t i;
    if (!s->has_counter) return;
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &c)) {
        uint8_t *p = s->prev + c.row;
        if (!telem_i_file_is_counter(&c)) continue;
        for (i = 0; i < c.count; i++, p += c.width) telem_i_file_store(p, c.width, telem_i_file_load(p, c.width) + 1u);
    }
}

/* Bytes of s->row's texts as telem_i_file_keep_row will leave them: what is absent stays as it was. */
static uint32_t telem_i_file_texts_size(const telem_i_file_wstream *s) {
    telem_columns it;
    telem_column c;
    uint32_t n = 0, i, absent_end = 0;
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &c)) {
        const uint8_t *p = (c.row < absent_end ? s->prev : s->row) + c.row;
        if (c.row >= absent_end && c.presence && *p == 0) absent_end = c.row + 1u + c.covers;
        for (i = 0; telem_i_file_codes_variable(c.type) && i < c.count; i++) n += telem_get32(p + (size_t)i * c.width);
    }
    return n;
}

/* Time, count and place of texts of the record that is new: they go to the page at once. */
static void telem_i_file_record_head(telem_i_file_batch *f, uint32_t i, int64_t time) {
    memcpy(telem_i_file_cell(f, i, 0, 8), &time, 8);
    memset(telem_i_file_cell(f, i, 8, 4), 0, 4);
    memcpy(telem_i_file_cell(f, i, 12, 4), &f->heap_used, 4);
}

/* The row form without texts, in the tile. Room for it is there. */
static uint8_t *telem_i_file_tile_room(telem_i_file_gather *g, int64_t time) {
    if (g->tiled == TELEM_I_FILE_TILE) telem_i_file_tile_out(g);
    telem_i_file_record_head(&g->fill, g->fill.count++, time);
    return g->tile + (size_t)g->tiled++ * (g->record - TELEM_I_FILE_RECORD);
}

/* The latest record repeats once more. */
static void telem_i_file_repeat_record(telem_i_file_batch *f) {
    uint8_t *at = telem_i_file_cell(f, f->count - 1u, 8, 4);
    uint32_t run;
    memcpy(&run, at, 4);
    run++;
    memcpy(at, &run, 4);
    f->repeats = 1;
}

/* >>pace -- who codes a full block, and when ------------------------------------------------------

   A full block, or an old one, is SEALED: its pages move from g->fill to g->sealed, and the stream is put into a
   queue. What is at the queue's end is coded in steps (telem_i_file_job_step), each of at most a column or a
   piece of what is written:
     SPREAD   each row pays for its part of the steps, by what they cost; what some rows paid is spent at once (the
              dose). When the stream's next block is full and this one is not coded yet, the rest is done at once.
              So it is when the block's rows get old
     AT_ONCE  all steps, by the row that seals the block
     HELPER   telem_file_work does a step at a time, in a thread of the caller's
   A stream has one sealed block at most, blocks are coded in the order in which they were sealed, and what is
   decided on the way (KEY, rows of the next block) hangs on nothing else: the three give the same data blocks.

   HELPER: two threads. The writer's own thread owns g->fill, the tile, s->row, s->prev, the pages, `reaped`.
   Everything else (the coding side: the job, all of wstream that says what was written, the io) belongs to who
   holds `owner`: the helper for a step at a time, the writer's thread inside of calls that write something
   else or must wait for room. g->sealed is the writer's thread's until it is counted in `sealed`, the coding
   side's until it is counted in `coded`, and the writer's thread's again.
     edge  release                          acquire
     P1    telem_i_file_seal: sealed        telem_i_file_pace_step: the block's rows, limit
     P2    telem_i_file_pace_step: coded    telem_i_file_reap: pages are free, bytes_per_row, safe_row
     P3    telem_i_file_release, telem_file_work: owner = 0     telem_i_file_acquire, telem_file_work: CAS of owner to 1
   `wanted` (relaxed): the writer's thread waits for `owner`; the helper lets it pass. `trouble` (relaxed): an
   error sticks; the rows that come before it is seen are in blocks that wait, nothing is lost by it. */

static int telem_i_file_is_native(const telem_i_file_wstream *s) { return s->g->native; }

/* Rows taken and not yet with the io. */
static uint64_t telem_i_file_waiting(const telem_i_file_wstream *s) { return (uint64_t)s->g->fill.rows + s->g->sealed.rows; }

static void telem_i_file_trouble(telem_file_writer *w, uint32_t is) {
    if (w->columns) TELEM_STORE32_RELAXED(&w->columns->trouble, is);
}

static int telem_i_file_helped(const telem_file_writer *w) { return w->columns && w->desc.pace == TELEM_FILE_HELPER; }

static void telem_i_file_acquire(telem_file_writer *w) {
    telem_i_file_cshared *x = w->columns;
    uint32_t none;
    if (!telem_i_file_helped(w) || x->held++ > 0) return;
    TELEM_STORE32_RELAXED(&x->wanted, 1);
    for (none = 0; !TELEM_CAS32(&x->owner, &none, 1); none = 0) /* P3 */
        if (w->desc.wait) w->desc.wait(w->desc.wait_user);
    TELEM_STORE32_RELAXED(&x->wanted, 0);
}

static void telem_i_file_release(telem_file_writer *w) {
    telem_i_file_cshared *x = w->columns;
    if (telem_i_file_helped(w) && --x->held == 0) TELEM_STORE32_RELEASE(&x->owner, 0); /* P3 */
}

/* Does an error stick? Without `owner`. */
static int telem_i_file_troubled(const telem_file_writer *w) {
    return w->columns ? TELEM_LOAD32_RELAXED(&w->columns->trouble) != 0 : w->error.code != TELEM_OK;
}

/* What the queue's last stream gave becomes a job. */
static void telem_i_file_job_of(telem_file_writer *w, telem_i_file_wstream *s) {
    telem_i_file_batch *f = &s->g->sealed;
    telem_i_file_source q;
    uint32_t i;
    memset(&q, 0, sizeof q);
    q.g = s->g;
    q.f = f;
    q.x = w->columns;
    q.n = f->count;
    for (i = 0; f->repeats && i < f->count; i++) memcpy(&w->columns->runs[i], telem_i_file_cell(f, i, 8, 4), 4);
    if (f->repeats) q.runs = w->columns->runs;
    telem_i_file_begin_columns(w, s, f->first);
    s->first_row = f->first_row;
    telem_i_file_job_begin(w->columns->job, s, &q);
}

/* One step of what waits, by who holds `owner`. About what it cost; 0: nothing waits, or an error sticks. */
static uint32_t telem_i_file_pace_step(telem_file_writer *w) {
    telem_i_file_cshared *x = w->columns;
    telem_i_file_job *j = x->job;
    uint32_t cost, coded = TELEM_LOAD32_RELAXED(&x->coded); /* only who holds `owner` changes it */
    if (w->error.code != TELEM_OK) return 0;
    if (j->phase == TELEM_I_FILE_JOB_NONE) {
        if (coded == TELEM_LOAD32_ACQUIRE(&x->sealed)) return 0; /* P1 */
        telem_i_file_job_of(w, x->queue[coded % x->places]);
    }
    cost = telem_i_file_job_step(w, j);
    if (j->phase == TELEM_I_FILE_JOB_NONE) {
        j->s->g->coded_row = j->s->sealed_row;
        TELEM_STORE32_RELEASE(&x->coded, coded + 1u); /* P2 */
    }
    return cost;
}

/* Pages of what is coded come back. */
static void telem_i_file_reap(telem_file_writer *w) {
    telem_i_file_cshared *x = w->columns;
    uint32_t coded = TELEM_LOAD32_ACQUIRE(&x->coded); /* P2 */
    for (; x->reaped != coded; x->reaped++) {
        telem_i_file_gather *g = x->queue[x->reaped % x->places]->g;
        telem_i_file_free_pages(x, g, &g->sealed);
        g->safe_row = g->coded_row;
    }
}

static int telem_i_file_pending(const telem_file_writer *w) { return w->columns->reaped != TELEM_LOAD32_RELAXED(&w->columns->sealed); }

/* Codes what waits of a stream, or (NULL) of all. */
static telem_result telem_i_file_finish(telem_file_writer *w, const telem_i_file_wstream *s) {
    telem_result r;
    telem_i_file_acquire(w);
    telem_i_file_reap(w);
    while ((s ? s->g->sealed.count > 0 : telem_i_file_pending(w)) && telem_i_file_pace_step(w) > 0) telem_i_file_reap(w);
    r = w->error.code;
    telem_i_file_release(w);
    return r;
}

/* A block that has its header goes out before anything else does. whole: also one that is being coded. */
static void telem_i_file_settle(telem_file_writer *w, int whole) {
    telem_i_file_job *j = w->columns->job;
    while (j->phase >= (whole ? TELEM_I_FILE_JOB_PART : TELEM_I_FILE_JOB_HASH) && w->error.code == TELEM_OK) (void)telem_i_file_pace_step(w);
}

/* What each row pays: the next block has about as many rows (or its limit), and a quarter less is to do. What was
   sealed by its age must be out soon. */
static uint32_t telem_i_file_share(const telem_file_writer *w, const telem_i_file_gather *g, uint32_t records, uint32_t rows, int aged) {
    uint64_t cost = telem_i_file_job_cost(w, g, records), each;
    if (w->desc.pace == TELEM_FILE_SPREAD && g->keyed->left == 0) /* keys will be looked for */
        cost += (g->columns < TELEM_I_FILE_KEY_COLUMNS ? g->columns : TELEM_I_FILE_KEY_COLUMNS) * (uint64_t)TELEM_I_FILE_COST_HEAD;
    if (g->limit < records) rows = (uint32_t)((uint64_t)rows * g->limit / records);
    if (rows == 0) rows = 1;
    each = aged ? cost * 9u / rows : cost * 5u / 4u / rows;
    return each > 0x3FFFFFFFu ? 0x3FFFFFFFu : (uint32_t)each + 1u;
}

/* What a row that codes spends. All that it costs to begin is paid less often when this is large. So large that one row in
   a thousand codes, if that takes no longer than DOSE_MOST; where there is more to code, little at a time. */
#define TELEM_I_FILE_DOSE_ROWS 1200u
#define TELEM_I_FILE_DOSE_MOST 36000u
#define TELEM_I_FILE_DOSE 5000u
static uint32_t telem_i_file_dose(const telem_file_writer *w, uint32_t share) {
    uint64_t rare = (uint64_t)share * TELEM_I_FILE_DOSE_ROWS, often = (uint64_t)share * 3u / 2u; /* every other row */
    if (w->desc.step_ns) return w->desc.step_ns - 1u;
    if (rare <= TELEM_I_FILE_DOSE_MOST) return (uint32_t)rare;
    return often < TELEM_I_FILE_DOSE ? TELEM_I_FILE_DOSE : often > TELEM_I_FILE_DOSE_MOST ? TELEM_I_FILE_DOSE_MOST : (uint32_t)often;
}

/* The open block waits for its coding from now on. With an error that stuck it stays as it is. */
static telem_result telem_i_file_seal(telem_file_writer *w, telem_i_file_wstream *s, int aged) {
    telem_i_file_cshared *x = w->columns;
    telem_i_file_gather *g = s->g;
    telem_i_file_batch was;
    uint32_t sealed = TELEM_LOAD32_RELAXED(&x->sealed); /* this thread's own */
    telem_i_file_reap(w);
    if (g->sealed.count) {
        telem_result r = telem_i_file_finish(w, s);
        if (g->sealed.count) return r;
    }
    telem_i_file_tile_out(g);
    g->limit = telem_i_file_fill_goal(w, s);
    g->share = telem_i_file_share(w, g, g->fill.count, g->fill.rows, aged);
    g->dose = telem_i_file_dose(w, g->share);
    was = g->sealed;
    g->sealed = g->fill;
    g->sealed.aged = (uint8_t)aged;
    g->fill = was;
    g->fill.t = g->sealed.t;
    g->fill.step = g->sealed.step;
    x->queue[sealed % x->places] = s;
    TELEM_STORE32_RELEASE(&x->sealed, sealed + 1u); /* P1 */
    return w->desc.pace == TELEM_FILE_AT_ONCE ? telem_i_file_finish(w, s) : TELEM_OK;
}

#if !defined(TELEM_FILE_NO_JOURNAL)
/* The open block is to be out soon. */
static void telem_i_file_seal_early(telem_file_writer *w, telem_i_file_wstream *s) {
    telem_i_file_reap(w);
    if (s->g->fill.count && !s->g->sealed.count) (void)telem_i_file_seal(w, s, 1);
}
#endif

/* All rows of a stream are with the io then. With an error that stuck they stay: telem_file_writer_clear. */
static telem_result telem_i_file_close_columns(telem_file_writer *w, telem_i_file_wstream *s) {
    telem_result r;
    telem_i_file_acquire(w);
    r = w->error.code;
    if (r == TELEM_OK && s->g->fill.count) r = telem_i_file_seal(w, s, 0);
    if (r == TELEM_OK) r = telem_i_file_finish(w, s);
    telem_i_file_release(w);
    return r;
}

/* A row has paid enough for a step, or more. */
static void telem_i_file_pay_out(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
    telem_i_file_cshared *x = w->columns;
    const telem_i_file_batch *f = &s->g->sealed;
    int64_t most = (int64_t)s->g->dose * 4 / 3; /* rows before this one may have spared theirs */
    if (most < s->g->share) most = s->g->share;
    most *= 1 + x->job->halves;
    if (most > x->credit) most = x->credit;
    while (most > 0) {
        uint32_t cost = telem_i_file_pace_step(w);
        if (cost == 0) break;
        x->credit -= cost;
        most -= cost;
    }
    telem_i_file_reap(w);
    if (!telem_i_file_pending(w)) x->credit = 0;
    if (f->count && s->age_ticks && telem_i_file_since(f->first, time) >= s->age_ticks) (void)telem_i_file_finish(w, s);
}

static void telem_i_file_pay(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
    if (w->desc.pace != TELEM_FILE_SPREAD || !telem_i_file_pending(w)) return;
    w->columns->credit += (int64_t)s->g->share * (1 + w->columns->job->halves);
    if (w->columns->credit <= (int64_t)s->g->dose || (s->g->own && s->g->tiled == 1)) return; /* a wide tile went out */
    telem_i_file_pay_out(w, s, time);
}

/* Has the open block waited so long that it is to be sealed? A clock set back by as much counts too. */
static int telem_i_file_seal_due(const telem_i_file_wstream *s, int64_t now) {
    const telem_i_file_batch *f = &s->g->fill;
    uint64_t apart = now > f->first ? telem_i_file_since(f->first, now) : telem_i_file_since(now, f->first);
    return f->count && apart >= s->g->seal_ticks && !s->ageless;
}

/* By who calls now and then, when rows are rare: what is old is sealed and coded, what waits makes some way. */
static void telem_i_file_poll_columns(telem_file_writer *w, telem_i_file_wstream *s, int64_t now) {
    const telem_i_file_batch *f = &s->g->sealed;
    if (telem_i_file_seal_due(s, now) && telem_i_file_seal(w, s, 1) != TELEM_OK) return;
    if (w->desc.pace == TELEM_FILE_SPREAD && telem_i_file_pending(w)) (void)telem_i_file_pace_step(w);
    telem_i_file_reap(w);
    if (f->count && s->age_ticks && telem_i_file_since(f->first, now) >= s->age_ticks) (void)telem_i_file_finish(w, s);
}

/* The io will never get them. */
static void telem_i_file_give_up_columns(telem_file_writer *w, telem_i_file_wstream *s) {
    telem_i_file_gather *g = s->g;
    telem_i_file_reap(w);
    if (g->sealed.rows) telem_i_file_lose(w, s, g->sealed.rows, g->sealed.min, g->sealed.max);
    if (g->fill.rows) telem_i_file_lose(w, s, g->fill.rows, g->fill.min, g->fill.max);
    g->sealed.rows = g->fill.rows = 0;
    s->rows = 0;
}

TELEM_API int telem_file_work(telem_file_writer *w) {
    telem_i_file_cshared *x = w ? w->columns : NULL;
    uint32_t none = 0;
    int r;
#if !defined(TELEM_FILE_NO_JOURNAL)
    int due;
#endif
    if (!x || !telem_i_file_helped(w)) return TELEM_ERR_STATE;
    if (TELEM_LOAD32_RELAXED(&x->wanted) || !TELEM_CAS32(&x->owner, &none, 1)) return 1; /* P3 */
    r = telem_i_file_pace_step(w) > 0;
    if (!r && w->error.code != TELEM_OK) r = (int)w->error.code;
#if !defined(TELEM_FILE_NO_JOURNAL)
    due = w->sync_due && w->desc.sync != TELEM_FILE_SYNC_ROW && r >= 0;
    if (due) w->sync_due = 0;
    if (r == 0 && TELEM_LOAD32_RELAXED(&w->sync_failed)) r = -(int32_t)TELEM_LOAD32_RELAXED(&w->sync_failed);
#endif
    TELEM_STORE32_RELEASE(&x->owner, 0); /* P3 */
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (due) { /* while the writer's thread goes on */
        telem_result e = telem_file_sync(w);
        return e == TELEM_OK ? 1 : (int)e;
    }
#endif
    return r;
}

/* ---- rows come in ---- */

/* Pages for one record more with so many bytes of texts. */
static int telem_i_file_pages_short(telem_i_file_cshared *x, telem_i_file_gather *g, uint32_t texts) {
    const telem_i_file_batch *f = &g->fill;
    uint32_t heap = (f->heap_used + texts + TELEM_I_FILE_PAGE - 1u) / TELEM_I_FILE_PAGE, need = (f->count >> f->shift) >= f->pages;
    heap = heap > f->heap_pages ? heap - f->heap_pages : 0;
    if (g->own) return need > g->own_pool.count || heap > x->pool.count;
    return need + heap > x->pool.count;
}

static uint32_t telem_i_file_pages_held(const telem_i_file_gather *g) { return (g->own ? 0 : g->fill.pages) + g->fill.heap_pages; }

/* Makes room for a record. Where no page is free, blocks that wait are coded, and then the stream that holds most
   pages closes its block: 0 when that fails. It may be this one. */
static int telem_i_file_gather_room(telem_file_writer *w, telem_i_file_wstream *s, uint32_t texts) {
    telem_i_file_cshared *x = w->columns;
    telem_i_file_gather *g = s->g;
    uint32_t i;
    while (telem_i_file_pages_short(x, g, texts)) {
        telem_i_file_wstream *most = s;
        if (telem_i_file_pending(w)) {
            if (telem_i_file_finish(w, x->queue[x->reaped % x->places]) != TELEM_OK) return 0;
            continue;
        }
        for (i = 0; i < w->stream_count; i++)
            if (telem_i_file_pages_held(w->streams[i]->g) > telem_i_file_pages_held(most->g)) most = w->streams[i];
        if (telem_i_file_pages_held(most->g) == 0) {
            telem_i_file_acquire(w);
            telem_i_file_writer_fail(w, TELEM_ERR_LIMIT, "no room for a row");
            telem_i_file_release(w);
            return 0;
        }
        if (most->g->fill.count == 0) telem_i_file_free_pages(x, most->g, &most->g->fill); /* an error came between */
        else if (telem_i_file_close_columns(w, most) != TELEM_OK) return 0;
    }
    if ((g->fill.count >> g->fill.shift) >= g->fill.pages) g->fill.page[g->fill.pages++] = telem_i_file_take_page(telem_i_file_pool_of(x, g));
    while (g->fill.heap_pages * TELEM_I_FILE_PAGE < g->fill.heap_used + texts) g->fill.heap[g->fill.heap_pages++] = telem_i_file_take_page(&x->pool);
    return 1;
}

/* s->prev as a record. */
static void telem_i_file_gather_store(telem_i_file_wstream *s, int64_t time) {
    telem_i_file_gather *g = s->g;
    uint8_t *to = telem_i_file_tile_room(g, time);
    telem_columns it;
    telem_column c;
    uint32_t i;
    if (!s->has_variable) {
        memcpy(to, s->prev, s->row_size);
        return;
    }
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &c)) {
        const uint8_t *p = s->prev + c.row;
        if (!telem_i_file_codes_variable(c.type)) {
            memcpy(to, p, (size_t)c.width * c.count);
            to += (size_t)c.width * c.count;
            continue;
        }
        for (i = 0; i < c.count; i++, p += c.width, to += 4) {
            uint32_t n = telem_get32(p);
            memcpy(to, p, 4);
            telem_i_file_heap_put(&g->fill, p + 4, n);
        }
    }
}

/* A row that cannot be taken: an error sticks. */
static telem_result telem_i_file_refuse_row(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
    telem_result r;
    telem_i_file_acquire(w);
    r = w->error.code;
    s->next_row++;
    w->rows++;
    telem_i_file_lose(w, s, 1, time, time);
    telem_i_file_release(w);
    return r;
}

/* What the open block knows of its rows, one more being there. */
static void telem_i_file_count_row(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
    telem_i_file_batch *f = &s->g->fill;
    f->step = telem_i_signed(telem_i_file_since(f->t, time));
    f->t = time;
    if (time < f->min) f->min = time;
    if (time > f->max) f->max = time;
    f->rows++;
    s->next_row++;
    w->rows++;
}

/* The latest row of a flat stream. */
static const uint8_t *telem_i_file_latest(const telem_i_file_wstream *s) {
    const telem_i_file_gather *g = s->g;
    return g->tiled ? g->tile + (size_t)(g->tiled - 1u) * (g->record - TELEM_I_FILE_RECORD) : s->prev;
}

/* A row of a stream without texts, counters and absent fields, where nothing else is to be done: 0: something is. */
static int telem_i_file_quick_row(telem_file_writer *w, telem_i_file_wstream *s, int64_t time, const void *row) {
    telem_i_file_gather *g = s->g;
    telem_i_file_batch *f = &g->fill;
    if (f->count == 0 || f->rows >= TELEM_I_FILE_MAX_BLOCK_ROWS || telem_i_file_since(f->first, time) >= g->seal_ticks) return 0;
    if (f->rows > 1 && time == telem_i_file_plus(f->t, (uint64_t)f->step) && memcmp(row, telem_i_file_latest(s), s->row_size) == 0) {
        telem_i_file_repeat_record(f);
    } else {
        if (f->count >= g->limit || (f->count >> f->shift) >= f->pages) return 0;
        memcpy(telem_i_file_tile_room(g, time), row, s->row_size);
    }
    telem_i_file_count_row(w, s, time);
    telem_i_file_pay(w, s, time);
    return 1;
}

/* Takes s->row into a stream in columns coding. The first two rows of a block never repeat: whether the second one
   would depends on whether the block is a KEY block, and that is not known yet. */
static telem_result telem_i_file_gather_row(telem_file_writer *w, telem_i_file_wstream *s, int64_t time) {
    telem_i_file_gather *g = s->g;
    telem_i_file_batch *f = &g->fill;
    int repeats, bad = 0;
    uint32_t texts;
    if (f->count && (f->rows >= TELEM_I_FILE_MAX_BLOCK_ROWS || telem_i_file_seal_due(s, time)))
        bad = telem_i_file_seal(w, s, telem_i_file_seal_due(s, time)) != TELEM_OK;
    repeats = f->rows > 1 && time == telem_i_file_plus(f->t, (uint64_t)f->step) &&
              (g->flat ? memcmp(s->row, telem_i_file_latest(s), s->row_size) == 0 : telem_i_file_repeats(s));
    texts = s->has_variable && !repeats ? telem_i_file_texts_size(s) : 0;
    if (!bad && f->count && !repeats && (f->count >= g->limit || texts > g->heap_size - f->heap_used)) bad = telem_i_file_seal(w, s, 0) != TELEM_OK;
    if (!bad && !repeats) bad = !telem_i_file_gather_room(w, s, texts);
    if (bad || telem_i_file_troubled(w)) return telem_i_file_refuse_row(w, s, time); /* this row goes with the block before */
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (w->zone && w->zone->base) telem_i_file_journal_row(w, s, time);
#endif
    if (f->count == 0) {
        f->first = f->min = f->max = time;
        f->first_row = s->next_row;
        f->rows = 0;
    }
    if (repeats) {
        telem_i_file_repeat_record(f);
        telem_i_file_step_prev(s);
    } else if (g->flat) {
        memcpy(telem_i_file_tile_room(g, time), s->row, s->row_size);
    } else {
        telem_i_file_keep_row(s);
        telem_i_file_gather_store(s, time);
    }
    telem_i_file_count_row(w, s, time);
    telem_i_file_pay(w, s, time);
    return TELEM_OK;
}

/* ---- memory ---- */

#define TELEM_I_FILE_GATHER (1u << 20) /* bytes of rows that a stream gathers at most; as much for texts */
#define TELEM_I_FILE_GATHER_OWN (416u << 10) /* when it needs memory of its own: LEAST_ROWS at least */
#define TELEM_I_FILE_TEXT (416u << 10) /* a block's largest text column, as a rule: what is longer packs a little worse */
#define TELEM_I_FILE_RAW_MOST (4u << 20) /* raw bytes of a block: records, and once more as much for texts; a row always goes */
#define TELEM_I_FILE_TABLE 65536u
#define TELEM_I_FILE_TRIAL 98304u

/* What the writer needs once, for blocks of `rows` rows. */
static size_t telem_i_file_round64(size_t n) { return (n + 63u) & ~(size_t)63u; }
static size_t telem_i_file_trial_size(size_t rows) { return rows * 10u + 4096u < TELEM_I_FILE_TRIAL ? TELEM_I_FILE_TRIAL : rows * 10u + 4096u; }
/* A chunk of a text may hold more integers than a small block has rows. */
static size_t telem_i_file_scratch_rows(uint32_t rows) { return rows < TELEM_I_FILE_LZ_LITS ? TELEM_I_FILE_LZ_LITS : telem_i_file_round64(rows); }
static size_t telem_i_file_scratch_bytes(uint32_t rows) {
    size_t cap = telem_i_file_scratch_rows(rows);
    return 3u * telem_i_file_round64((cap + 1024u) * 8u) + telem_i_file_round64(telem_i_file_trial_size(cap)) + TELEM_I_FILE_TABLE + 64u;
}

/* Lays the codecs' room into `p`. */
static void telem_i_file_scratch_make(telem_i_file_codec *k, uint8_t *p, uint32_t rows, uint8_t level) {
    size_t cap = telem_i_file_scratch_rows(rows), words = telem_i_file_round64((cap + 1024u) * 8u);
    memset(k, 0, sizeof *k);
    p += (64u - ((uintptr_t)p & 63u)) & 63u;
    k->level = level;
    k->cap = (uint32_t)cap;
    k->a64 = (uint64_t *)(void *)p;
    k->b64 = (uint64_t *)(void *)(p + words);
    k->c64 = (uint64_t *)(void *)(p + 2u * words);
    k->a32 = (uint32_t *)(void *)p;
    k->b32 = (uint32_t *)(void *)(p + words);
    k->bytes = p + 3u * words;
    k->table = k->bytes + telem_i_file_round64(telem_i_file_trial_size(cap));
    k->table_size = TELEM_I_FILE_TABLE;
}

/* Distinct rows of a block at most. */
static uint32_t telem_i_file_rows_most(const telem_file_writer_desc *f, uint32_t record) {
    uint32_t most = TELEM_I_FILE_RAW_MOST / record;
    return most > f->block_rows ? f->block_rows : most ? most : 1;
}

typedef struct telem_i_file_gather_sizes {
    uint32_t record, cap, heap, raw, columns, strips, shift, pages, heap_pages;
    uint32_t given; /* pages that come with the stream into the pool of all */
    uint8_t variable, own;
    size_t head;
    size_t out, text, cursor, split; /* what the stream needs of the room of all */
    uint64_t total;
} telem_i_file_gather_sizes;

/* Blocks of narrow rows of numbers have block_bytes, a first one may come out larger; and a column lies there in
   another order. */
static size_t telem_i_file_out_least(const telem_file_writer_desc *f, uint32_t block_bytes) {
    uint64_t n = 4u * (uint64_t)block_bytes, order = 16u * (uint64_t)f->block_rows, all = f->max_block + 8u * (uint64_t)f->block_rows;
    if (n < order) n = order;
    return telem_i_file_round64((size_t)(n < all ? n : all) + 4096u);
}

/* Wide rows and texts have blocks of max_block; texts lie there twice beside what is coded. `longest`: of the texts, 0:
   there are none. */
static void telem_i_file_room_layout(const telem_file_writer_desc *f, uint32_t block_bytes, uint32_t longest, telem_i_file_gather_sizes *z) {
    size_t n = telem_i_file_out_least(f, block_bytes ? block_bytes : f->block_bytes), all = (size_t)f->max_block + 8u * (size_t)f->block_rows;
    uint64_t text = (uint64_t)longest * f->block_rows;
    if (text > TELEM_I_FILE_TEXT) text = TELEM_I_FILE_TEXT;
    if (longest && text < z->raw) text = z->raw;
    if ((z->own || longest) && n < all) n = all;
    z->out = telem_i_file_round64(n + 2u * (size_t)text);
    z->text = longest ? telem_i_file_round64((size_t)text + f->block_rows + 64u) : 0;
    z->cursor = z->variable ? 4u * telem_i_file_round64(f->block_rows) : 0;
    z->split = z->variable ? telem_i_file_round64(z->raw) : 0;
    z->given = z->own ? 0 : f->gather_bytes / TELEM_I_FILE_PAGE / 8u + 1u;
    if (z->variable) z->given += (uint32_t)(((uint64_t)f->gather_bytes + z->raw) / TELEM_I_FILE_PAGE) + 2u;
}

/* Bytes of what the room lacks; NULL: of what a writer has without streams. */
static size_t telem_i_file_room_bytes(const telem_file_writer_desc *f, const telem_i_file_gather_sizes *z, const telem_i_file_room *have) {
    size_t n = 0;
    if (z->out > (have ? have->out_size : telem_i_file_out_least(f, f->block_bytes))) n += TELEM_I_FILE_ROOM + z->out + TELEM_I_FILE_SLACK;
    if (z->text > (have ? have->text_size : 0)) n += z->text;
    if (z->cursor && !(have && have->cursor)) n += z->cursor;
    if (z->split > (have ? have->split_size : 0)) n += z->split;
    return telem_i_file_align8(n);
}

static telem_i_file_gather_sizes telem_i_file_gather_layout(const telem_file_writer_desc *f, const telem_schema *schema, uint32_t block_bytes) {
    telem_i_file_gather_sizes z;
    telem_columns it;
    telem_column c;
    uint64_t fixed = 0, texts = 0, rows;
    uint32_t before = 0, longest = 0;
    memset(&z, 0, sizeof z);
    telem_columns_begin(&it, schema);
    while (telem_columns_next(&it, &c)) {
        int variable = telem_i_file_codes_variable(c.type);
        fixed += (uint64_t)c.count * (variable ? 4u : c.width);
        texts += variable ? (uint64_t)c.count * (c.width - 4u) : 0;
        z.variable |= (uint8_t)variable;
        if (c.count == 0) continue;
        if (telem_i_file_codes_text(c.type) && longest < c.width) longest = c.width;
        z.strips += (variable ? 4u : c.width) != before;
        before = variable ? 4u : c.width;
    }
    z.columns = telem_schema_columns(schema) + 2u;
    z.record = (uint32_t)fixed + TELEM_I_FILE_RECORD;
    z.raw = (uint32_t)(fixed + texts + TELEM_I_FILE_RECORD);
    z.own = z.record > TELEM_I_FILE_PAGE / TELEM_I_FILE_TILE;
    z.shift = TELEM_I_FILE_TILE_SHIFT;
    while (!z.own && (size_t)z.record << (z.shift + 1u) <= TELEM_I_FILE_PAGE) z.shift++;
    rows = (z.own ? TELEM_I_FILE_GATHER_OWN : TELEM_I_FILE_GATHER) / z.record;
    if (rows < telem_i_file_least_rows(f, z.own)) rows = telem_i_file_least_rows(f, z.own);
    if (rows > telem_i_file_rows_most(f, z.record)) rows = telem_i_file_rows_most(f, z.record);
    z.cap = (uint32_t)rows;
    z.pages = (z.cap >> z.shift) + 1u;
    if (z.variable) z.heap = texts > TELEM_I_FILE_GATHER ? (uint32_t)texts : TELEM_I_FILE_GATHER;
    z.heap_pages = z.variable ? z.heap / TELEM_I_FILE_PAGE + 2u : 0;
    telem_i_file_room_layout(f, block_bytes, longest, &z);
    z.head = telem_i_file_round64(256u + (size_t)z.columns * 16u + (size_t)(z.columns / TELEM_I_FILE_SECTION + 1u) * 16u);
    z.total = telem_i_file_align8(sizeof(telem_i_file_gather)) + 2u * telem_i_file_align8(sizeof(uint8_t *) * (size_t)z.pages) +
              2u * telem_i_file_align8(sizeof(uint8_t *) * (size_t)z.heap_pages) +
              (z.own ? 2u * (uint64_t)z.pages * telem_i_file_align8((size_t)TELEM_I_FILE_TILE * z.record) : 0) + (uint64_t)z.given * TELEM_I_FILE_PAGE +
              telem_i_file_align8((size_t)TELEM_I_FILE_TILE * (z.record - TELEM_I_FILE_RECORD)) + telem_i_file_align8(z.strips * sizeof(telem_i_file_strip)) +
              telem_i_file_align8(telem_schema_row_size(schema)) + telem_i_file_align8(z.columns * sizeof(telem_i_file_citem)) +
              telem_i_file_align8(z.columns * sizeof(telem_i_file_choice)) + telem_i_file_align8(sizeof(telem_i_file_keyed));
    return z;
}

/* With what comes with the stream into the room of all; `x`: of a writer that is open. */
static uint64_t telem_i_file_gather_bytes(const telem_file_writer_desc *f, const telem_file_stream_desc *s, const telem_i_file_cshared *x) {
    telem_i_file_gather_sizes z = telem_i_file_gather_layout(f, s->schema, s->block_bytes);
    return z.total + telem_i_file_room_bytes(f, &z, x ? &x->room : NULL);
}

/* As telem_i_file_take, but what large buffers held before does not matter: a PC gives their pages only
   when they are used. */
static uint8_t *telem_i_file_grab(telem_i_file_pool *a, size_t n) {
    size_t need = telem_i_file_align8(n);
    uint8_t *p = a->base + a->used;
    if (need < n || need > a->size - a->used) return NULL;
    a->used += need;
    return p;
}

/* Fields of a record, those of one width that follow each other as one. */
static void telem_i_file_find_strips(telem_i_file_gather *g, const telem_schema *schema) {
    telem_columns it;
    telem_column c;
    uint32_t in = TELEM_I_FILE_RECORD;
    telem_columns_begin(&it, schema);
    while (telem_columns_next(&it, &c)) {
        uint32_t width = telem_i_file_codes_variable(c.type) ? 4u : c.width;
        if (c.count == 0) continue;
        if (g->strips == 0 || g->strip[g->strips - 1u].width != width) {
            g->strip[g->strips].in = in;
            g->strip[g->strips++].width = width;
        }
        g->strip[g->strips - 1u].count += c.count;
        in += width * c.count;
    }
}

/* Is a C struct of the schema the row form, byte for byte, and a row a repeat when its bytes are the same? */
static int telem_i_file_is_flat(const telem_i_file_wstream *s, int native) {
    telem_columns it;
    telem_column c;
    if (s->has_optional || s->has_counter || s->has_variable || (native && s->has_bool)) return 0;
    telem_columns_begin(&it, s->schema);
    while (native && telem_columns_next(&it, &c)) {
        if (c.rec != c.row || (c.count > 1 && c.stride != c.width)) return 0;
        if (telem_i_file_codes_text(c.type) || (!TELEM_I_LITTLE_ENDIAN && c.width > 1)) return 0;
    }
    return 1;
}

/* A stream that needs more of the room than is there brings it. What is being coded stays where it is. */
static void telem_i_file_room_make(telem_file_writer *w, const telem_i_file_gather_sizes *z) {
    telem_i_file_cshared *x = w->columns;
    telem_i_file_room *r = &x->room;
    uint8_t *p = telem_i_file_grab(&w->arena, telem_i_file_room_bytes(&w->desc, z, r));
    x->before = *r;
    if (z->text > r->text_size) {
        r->text = x->k.text = p;
        r->text_size = x->k.text_size = z->text;
        p += z->text;
    }
    if (z->cursor && !r->cursor) {
        r->cursor = (uint32_t *)(void *)p;
        p += z->cursor;
    }
    if (z->split > r->split_size) {
        r->split = p;
        r->split_size = z->split;
        p += z->split;
    }
    if (z->out > r->out_size) {
        r->out = p + TELEM_I_FILE_ROOM; /* for the block's header */
        r->out_size = z->out;
    }
}

/* Memory was counted before. */
static void telem_i_file_gather_make(telem_file_writer *w, telem_i_file_wstream *s) {
    telem_i_file_gather_sizes z = telem_i_file_gather_layout(&w->desc, s->schema, s->goal);
    telem_i_file_gather *g = s->g = (telem_i_file_gather *)telem_i_file_take(&w->arena, sizeof *g);
    telem_i_file_batch *f;
    uint32_t i;
    telem_i_file_acquire(w);
    telem_i_file_room_make(w, &z);
    telem_i_file_release(w);
    s->room = w->columns->room.out;
    s->room_size = w->columns->room.out_size;
    for (f = &g->fill;; f = &g->sealed) {
        f->page = (uint8_t **)(void *)telem_i_file_take(&w->arena, sizeof *f->page * (size_t)z.pages);
        f->heap = (uint8_t **)(void *)telem_i_file_take(&w->arena, sizeof *f->heap * (size_t)z.heap_pages);
        f->shift = z.shift;
        if (f == &g->sealed) break;
    }
    for (i = 0; i < z.given; i++) telem_i_file_free_page(&w->columns->pool, telem_i_file_grab(&w->arena, TELEM_I_FILE_PAGE));
    g->given = z.given;
    for (i = 0; z.own && i < 2u * z.pages; i++) telem_i_file_free_page(&g->own_pool, telem_i_file_grab(&w->arena, (size_t)TELEM_I_FILE_TILE * z.record));
    g->own = z.own;
    g->tile = telem_i_file_grab(&w->arena, (size_t)TELEM_I_FILE_TILE * (z.record - TELEM_I_FILE_RECORD));
    g->strip = (telem_i_file_strip *)(void *)telem_i_file_take(&w->arena, z.strips * sizeof *g->strip);
    telem_i_file_find_strips(g, s->schema);
    g->state = (uint8_t *)telem_i_file_take(&w->arena, s->row_size);
    g->items = (telem_i_file_citem *)telem_i_file_take(&w->arena, z.columns * sizeof *g->items);
    g->choice = (telem_i_file_choice *)telem_i_file_take(&w->arena, z.columns * sizeof *g->choice);
    g->keyed = (telem_i_file_keyed *)telem_i_file_take(&w->arena, sizeof *g->keyed);
    g->record = z.record;
    g->cap = z.cap;
    g->raw = z.raw;
    g->columns = z.columns;
    g->heap_size = z.heap;
    g->head_size = z.head;
    g->limit = telem_i_file_fill_goal(w, s);
    g->share = telem_i_file_share(w, g, g->limit, g->limit, 0);
    g->flat = (uint8_t)telem_i_file_is_flat(s, 0);
    g->native = (uint8_t)telem_i_file_is_flat(s, 1);
    g->seal_ticks = s->age_ticks ? s->age_ticks - s->age_ticks / 8u : UINT64_MAX; /* the rest is for coding it */
}

/* The stream was the last one made: its pages are the first free ones. */
static void telem_i_file_gather_drop(telem_file_writer *w, telem_i_file_wstream *s) {
    telem_i_file_cshared *x = w->columns;
    uint32_t i;
    for (i = 0; i < s->g->given; i++) (void)telem_i_file_take_page(&x->pool);
    x->room = x->before;
    x->k.text = x->room.text;
    x->k.text_size = x->room.text_size;
}

/* What the writer has once, and what comes with a stream that needs more. */
static uint32_t telem_i_file_shared_pages(const telem_file_writer_desc *f) { return f->gather_bytes / TELEM_I_FILE_PAGE + 3u; }

static size_t telem_i_file_shared_bytes(const telem_file_writer_desc *f) {
    size_t rows = telem_i_file_round64(f->block_rows);
    return telem_i_file_align8(sizeof(telem_i_file_cshared)) + telem_i_file_align8(sizeof(telem_i_file_job)) + sizeof(telem_i_file_hash) + 64u +
           telem_i_file_align8((f->max_streams + 1u) * sizeof(telem_i_file_wstream *)) + telem_i_file_align8(telem_i_file_scratch_bytes(f->block_rows)) + 8u * (rows + 64u) +
           4u * TELEM_I_FILE_KEYED * rows + (4u + 2u + 1u) * rows + telem_i_file_align8(TELEM_I_FILE_ROOM + telem_i_file_out_least(f, f->block_bytes) + TELEM_I_FILE_SLACK) +
           (size_t)telem_i_file_shared_pages(f) * TELEM_I_FILE_PAGE;
}

static void telem_i_file_shared_make(telem_file_writer *w) {
    telem_i_file_cshared *x = w->columns = (telem_i_file_cshared *)telem_i_file_take(&w->arena, sizeof *x);
    uint8_t *p = telem_i_file_grab(&w->arena, telem_i_file_scratch_bytes(w->desc.block_rows)), *hash;
    size_t rows = telem_i_file_round64(w->desc.block_rows);
    uint32_t i;
    telem_i_file_scratch_make(&x->k, p, w->desc.block_rows, w->desc.level);
    x->column = telem_i_file_grab(&w->arena, 8u * (rows + 64u));
    for (i = 0; i < TELEM_I_FILE_KEYED; i++) {
        x->place[i] = (uint16_t *)(void *)telem_i_file_grab(&w->arena, 4u * rows);
        x->first[i] = x->place[i] + rows;
    }
    x->runs = (uint32_t *)(void *)telem_i_file_grab(&w->arena, 4u * rows);
    x->pick = (uint16_t *)(void *)telem_i_file_grab(&w->arena, 2u * rows);
    x->same = telem_i_file_grab(&w->arena, rows);
    x->room.out_size = telem_i_file_out_least(&w->desc, w->desc.block_bytes);
    x->room.out = telem_i_file_grab(&w->arena, TELEM_I_FILE_ROOM + x->room.out_size + TELEM_I_FILE_SLACK) + TELEM_I_FILE_ROOM; /* for the block's header */
    x->job = (telem_i_file_job *)telem_i_file_take(&w->arena, sizeof *x->job);
    hash = telem_i_file_grab(&w->arena, sizeof *x->job->hash + 64u);
    x->job->hash = (telem_i_file_hash *)(void *)(hash + ((64u - ((uintptr_t)hash & 63u)) & 63u));
    x->places = w->desc.max_streams + 1u;
    x->queue = (telem_i_file_wstream **)(void *)telem_i_file_take(&w->arena, x->places * sizeof *x->queue);
    for (i = telem_i_file_shared_pages(&w->desc); i > 0; i--) telem_i_file_free_page(&x->pool, telem_i_file_grab(&w->arena, TELEM_I_FILE_PAGE));
}

/* ---- whole columns of the caller's ---- */

/* Are the columns as the schema wants them? *texts: bytes of all variable texts. */
static telem_result telem_i_file_check_columns(const telem_schema *schema, const telem_file_column *columns, uint64_t rows, uint64_t *texts, int *nulls) {
    telem_columns it;
    telem_column c;
    uint32_t i;
    uint64_t k;
    *texts = 0;
    *nulls = 0;
    telem_columns_begin(&it, schema);
    while (telem_columns_next(&it, &c))
        for (i = 0; i < c.count; i++) {
            const telem_file_column *v = &columns[c.index + i];
            if (c.presence) {
                for (k = 0; v->data && !*nulls && k < rows; k++) *nulls = ((const uint8_t *)v->data)[k] == 0;
            } else if (telem_i_file_codes_variable(c.type)) {
                if (!v->offsets || (!v->data && v->offsets[rows] != v->offsets[0])) return TELEM_ERR_ARG;
                for (k = 0; k < rows; k++)
                    if (v->offsets[k + 1] < v->offsets[k] || v->offsets[k + 1] - v->offsets[k] > c.width - 4u) return TELEM_ERR_RANGE;
                *texts += v->offsets[rows] - v->offsets[0];
            } else if (!v->data) {
                return TELEM_ERR_ARG;
            }
        }
    return TELEM_OK;
}

/* Row `row` of whole columns as s->row. */
static void telem_i_file_row_of_columns(telem_i_file_wstream *s, const telem_file_column *columns, uint64_t row) {
    telem_columns it;
    telem_column c;
    uint32_t i;
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &c))
        for (i = 0; i < c.count; i++) {
            const telem_file_column *v = &columns[c.index + i];
            const uint8_t *p = (const uint8_t *)v->data;
            uint8_t *to = s->row + c.row + (size_t)i * c.width;
            uint32_t n;
            if (telem_i_file_codes_variable(c.type)) {
                n = v->offsets[row + 1u] - v->offsets[row];
                telem_put32(to, n);
                if (n) memcpy(to + 4, p + v->offsets[row], n);
                memset(to + 4 + n, 0, c.width - 4u - n);
            } else if (telem_i_file_codes_text(c.type)) {
                memcpy(to, p + row * c.width, c.width);
            } else if (c.type == TELEM_BOOL) {
                *to = (uint8_t)(!p || p[row] ? 1 : 0);
            } else {
                telem_i_file_to_little(to, p + row * c.width, c.width, 1);
            }
        }
}

/* same[i] goes where value i is not the one before plus `step`. Returns how many are left. */
#define TELEM_I_FILE_KEEP_SAME(name, type) \
    static uint32_t name(uint8_t *same, const uint8_t *p, uint32_t n, uint32_t step) { \
        uint32_t i, left = 0; \
        type before, now; \
        memcpy(&before, p, sizeof before); \
        for (i = 1; i < n; i++) { \
            memcpy(&now, p + (size_t)i * sizeof now, sizeof now); \
            same[i] = (uint8_t)(same[i] & ((type)(now - before) == (type)step)); \
            left += same[i]; \
            before = now; \
        } \
        return left; \
    }
TELEM_I_FILE_KEEP_SAME(telem_i_file_keep_same1, uint8_t)
TELEM_I_FILE_KEEP_SAME(telem_i_file_keep_same2, uint16_t)
TELEM_I_FILE_KEEP_SAME(telem_i_file_keep_same4, uint32_t)
TELEM_I_FILE_KEEP_SAME(telem_i_file_keep_same8, uint64_t)
#undef TELEM_I_FILE_KEEP_SAME

static uint32_t telem_i_file_keep_same_bytes(uint8_t *same, const uint8_t *p, uint32_t width, uint32_t n) {
    uint32_t i, left = 0;
    for (i = 1; i < n; i++) {
        if (same[i]) same[i] = (uint8_t)(memcmp(p + (size_t)i * width, p + (size_t)(i - 1u) * width, width) == 0);
        left += same[i];
    }
    return left;
}

static uint32_t telem_i_file_keep_same_texts(uint8_t *same, const uint8_t *p, const uint32_t *at, uint32_t n) {
    uint32_t i, left = 0;
    for (i = 1; i < n; i++) {
        if (same[i]) same[i] = (uint8_t)(at[i + 1u] - at[i] == at[i] - at[i - 1u] && memcmp(p + at[i], p + at[i - 1u], at[i + 1u] - at[i]) == 0);
        left += same[i];
    }
    return left;
}

/* Which of n rows of whole columns, from row q->from on, repeat the one before: same[1..n). The first has the
   time t, `step` after the one before. Gives up when fewer than `least` are left; returns how many are. */
static uint32_t telem_i_file_same_rows(const telem_i_file_wstream *s, const telem_i_file_source *q, uint32_t n, int64_t t, int64_t step, uint32_t least,
                                       uint8_t *same) {
    telem_columns it;
    telem_column c;
    uint32_t i, k, left = 0;
    same[0] = 0;
    for (i = 1; i < n; i++) {
        int64_t now = q->times ? q->times[q->from + i] : telem_i_signed(q->number + q->from + i);
        same[i] = (uint8_t)(now == telem_i_file_plus(t, (uint64_t)step));
        left += same[i];
        step = telem_i_signed(telem_i_file_since(t, now));
        t = now;
    }
    telem_columns_begin(&it, s->schema);
    while (left >= least && telem_columns_next(&it, &c)) {
        int counter = telem_i_file_is_counter(&c);
        for (k = 0; k < c.count && left >= least; k++) {
            const telem_file_column *v = &q->columns[c.index + k];
            const uint8_t *p = (const uint8_t *)v->data;
            if (!p && (c.presence || !telem_i_file_codes_variable(c.type))) continue;
            if (telem_i_file_codes_variable(c.type)) {
                left = telem_i_file_keep_same_texts(same, p ? p : (const uint8_t *)"", v->offsets + q->from, n);
                continue;
            }
            p += (size_t)q->from * c.width;
            if (!counter && telem_i_file_all_equal(p, c.width, n)) continue;
            switch (telem_i_file_codes_text(c.type) ? 0 : c.width) {
            case 1: left = telem_i_file_keep_same1(same, p, n, (uint32_t)counter); break;
            case 2: left = telem_i_file_keep_same2(same, p, n, (uint32_t)counter); break;
            case 4: left = telem_i_file_keep_same4(same, p, n, (uint32_t)counter); break;
            case 8: left = telem_i_file_keep_same8(same, p, n, (uint32_t)counter); break;
            default: left = telem_i_file_keep_same_bytes(same, p, c.width, n); break;
            }
        }
    }
    return left;
}

/* Value `row` of a column is the one before plus `step` (numbers). */
static int telem_i_file_is_same(const telem_column *c, const telem_file_column *v, uint64_t row, uint32_t step) {
    const uint8_t *p = (const uint8_t *)v->data, *at;
    if (telem_i_file_codes_variable(c->type)) {
        const uint32_t *o = v->offsets + row;
        return o[1] - o[0] == o[0] - o[-1] && (!p || memcmp(p + o[0], p + o[-1], o[1] - o[0]) == 0);
    }
    if (!p) return 1;
    at = p + (size_t)row * c->width;
    if (!step) return memcmp(at, at - c->width, c->width) == 0;
    return telem_i_file_low(telem_i_file_native(at, c->width) - telem_i_file_native(at - c->width, c->width) - step, c->width * 8u) == 0;
}

/* Does a row of whole columns (not one of the first two) repeat the one before? */
static int telem_i_file_row_repeats(const telem_i_file_wstream *s, const telem_i_file_source *q, uint64_t row) {
    telem_columns it;
    telem_column c;
    uint32_t k;
    if (q->times && telem_i_file_since(q->times[row - 1u], q->times[row]) != telem_i_file_since(q->times[row - 2u], q->times[row - 1u])) return 0;
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &c))
        for (k = 0; k < c.count; k++)
            if (!telem_i_file_is_same(&c, &q->columns[c.index + k], row, (uint32_t)telem_i_file_is_counter(&c))) return 0;
    return 1;
}

#define TELEM_I_FILE_REPEATS_SEEN 96u /* rows that are looked at */
/* Do rows seem to repeat? A look at some: half of what makes row repeat worth it. */
static int telem_i_file_seem_to_repeat(const telem_i_file_wstream *s, const telem_i_file_source *q, uint32_t n) {
    uint32_t i, seen = 0;
    if (n < TELEM_I_FILE_REPEATS_SEEN * 8u) return 1;
    for (i = 0; i < TELEM_I_FILE_REPEATS_SEEN; i++) {
        uint32_t part = n / TELEM_I_FILE_REPEATS_SEEN, row = i * part + (i * 40503u >> 4) % (part - 2u) + 2u; /* no period is kept */
        seen += (uint32_t)telem_i_file_row_repeats(s, q, q->from + row);
    }
    return seen * TELEM_I_FILE_REPEATS * 2u >= TELEM_I_FILE_REPEATS_SEEN;
}

/* Which rows of a block repeat: pick and runs of q, when enough do. */
static void telem_i_file_find_repeats(telem_i_file_wstream *s, telem_i_file_source *q, uint16_t *pick, uint32_t *runs, uint8_t *same) {
    uint32_t i, n = q->n, left, distinct = 0, least = n / TELEM_I_FILE_REPEATS;
    int64_t t = telem_i_file_source_time(q, 0);
    if ((q->x->k.off & TELEM_I_FILE_OFF_ROWS) || !telem_i_file_seem_to_repeat(s, q, n)) return;
    left = telem_i_file_same_rows(s, q, n, t, s->key ? 0 : telem_i_signed(telem_i_file_since(s->g->t, t)), least ? least : 1, same);
    if (left == 0 || left < n / TELEM_I_FILE_REPEATS) return;
    for (i = 0; i < n; i++) {
        if (same[i]) {
            runs[distinct - 1u]++;
            continue;
        }
        pick[distinct] = (uint16_t)i;
        runs[distinct++] = 0;
    }
    q->pick = pick;
    q->runs = runs;
    q->n = distinct;
}

/* One block straight from the caller's columns. */
static void telem_i_file_direct_block(telem_file_writer *w, telem_i_file_wstream *s, telem_i_file_source *q, uint32_t n) {
    telem_i_file_gather *g = s->g;
    q->first = 0;
    q->n = n;
    q->pick = NULL;
    q->runs = NULL;
    telem_i_file_begin_columns(w, s, telem_i_file_source_time(q, 0));
    s->first_row = s->next_row;
    telem_i_file_find_repeats(s, q, q->x->pick, q->x->runs, q->x->same);
    telem_i_file_write_source(w, s, q);
    s->g->safe_row = s->g->coded_row = s->sealed_row;
    s->next_row += n;
    w->rows += n;
    g->limit = telem_i_file_fill_goal(w, s);
}

/* What a row of the stream takes, roughly: some rows are coded and thrown away. */
static void telem_i_file_try_rows(telem_file_writer *w, telem_i_file_wstream *s, const telem_i_file_source *q, uint32_t n) {
    telem_i_file_source some = *q;
    int64_t t = s->t, step = s->step;
    uint8_t key = s->key;
    some.first = 0;
    some.n = some.rows = n;
    some.pick = NULL;
    some.runs = NULL;
    s->key = 1;
    s->g->trial = 1;
    telem_i_file_write_source(w, s, &some);
    s->g->trial = 0;
    memset(s->g->choice, 0, (2u + (size_t)telem_schema_columns(s->schema)) * sizeof *s->g->choice); /* so few tell too little */
    memset(s->g->keyed, 0, sizeof *s->g->keyed);
    s->key = key;
    s->t = t;
    s->step = step;
}

/* No more rows than texts of RAW_MOST bytes have. */
static uint32_t telem_i_file_texts_fit(const telem_i_file_wstream *s, const telem_i_file_source *q, uint32_t n) {
    telem_columns it;
    telem_column c;
    uint64_t sum;
    uint32_t i;
    if (!s->has_variable) return n;
    for (;; n = (n + 1u) / 2u) {
        sum = 0;
        telem_columns_begin(&it, s->schema);
        while (telem_columns_next(&it, &c))
            for (i = 0; telem_i_file_codes_variable(c.type) && i < c.count; i++) {
                const uint32_t *at = q->columns[c.index + i].offsets + q->from;
                sum += at[n] - at[0];
            }
        if (sum <= TELEM_I_FILE_RAW_MOST || n == 1) return n;
    }
}

/* Rows of the next direct block when `left` are there; 0: too few, they are gathered. */
static uint32_t telem_i_file_direct_rows(telem_file_writer *w, telem_i_file_wstream *s, const telem_i_file_source *q, uint64_t left, uint64_t raw) {
    uint64_t goal, wide, most = telem_i_file_rows_most(&w->desc, s->g->record);
    if (s->g->bytes_per_row == 0 && left * raw > TELEM_I_FILE_OPENING && left >= 4u * TELEM_I_FILE_TRY) telem_i_file_try_rows(w, s, q, TELEM_I_FILE_TRY);
    goal = s->g->bytes_per_row ? telem_i_file_rows_for(w, s, s->goal) : telem_i_file_opening(w, raw);
    if (s->g->bytes_per_row) { /* wide rows: what each column costs by itself counts */
        wide = (uint64_t)w->desc.max_block * 192u / s->g->bytes_per_row;
        if (goal < TELEM_I_FILE_WIDE_ROWS) goal = wide < TELEM_I_FILE_WIDE_ROWS ? wide : TELEM_I_FILE_WIDE_ROWS;
    }
    if (goal < TELEM_I_FILE_LEAST_ROWS) goal = TELEM_I_FILE_LEAST_ROWS;
    if (goal > most) goal = most;
    if (left < goal / 2u) { /* a call's last rows are not copied first, the first time: more calls may follow */
        if (left < TELEM_I_FILE_SHORT || s->g->shorts) return 0;
        s->g->shorts = 1;
    }
    if (left < goal) return telem_i_file_texts_fit(s, q, (uint32_t)left);
    if (left < goal * 2u) goal = left <= goal + goal / 4u && left <= most ? left : (left + 1u) / 2u;
    return telem_i_file_texts_fit(s, q, (uint32_t)goal);
}

/* A column of numbers, CHARS or BYTES into the records [base, base + n); pick: their rows; NULL: from q->from on. */
static void telem_i_file_gather_values(telem_i_file_gather *g, const telem_i_file_source *q, const telem_column *c, const uint8_t *p, size_t in, uint32_t base,
                                       uint32_t n, const uint16_t *pick) {
    uint32_t i, k, w = c->width, page = (uint32_t)1 << g->fill.shift;
    for (i = 0; i < n;) {
        uint32_t row = base + i, part = page - (row & (page - 1u));
        uint8_t *to = telem_i_file_cell(&g->fill, row, in, w);
        if (part > n - i) part = n - i;
        if (!p) {
            memset(to, 1, part);
        } else if (telem_i_file_codes_text(c->type)) {
            for (k = 0; k < part; k++) memcpy(to + k * (size_t)w, p + (size_t)(q->from + (pick ? pick[i + k] : i + k)) * w, w);
        } else if (c->type == TELEM_BOOL) {
            for (k = 0; k < part; k++) to[k] = p[q->from + (pick ? pick[i + k] : i + k)] != 0;
        } else if (!pick) {
            telem_i_file_to_little(to, p + (size_t)(q->from + i) * w, w, part);
        } else {
            for (k = 0; k < part; k++) telem_i_file_to_little(to + (size_t)k * w, p + (size_t)(q->from + pick[i + k]) * w, w, 1);
        }
        i += part;
    }
}

#define TELEM_I_FILE_GATHER_TEXTS 16u /* columns of texts that are gathered many rows at once */

/* How many of n rows find room for their texts. */
static uint32_t telem_i_file_gather_texts_fit(telem_i_file_cshared *x, telem_i_file_gather *g, const telem_i_file_source *q, const uint32_t *text, uint32_t texts,
                                              uint32_t n) {
    uint64_t used = g->fill.heap_used;
    uint32_t i, k;
    for (i = 0; i < n; i++) {
        for (k = 0; k < texts; k++) {
            const uint32_t *at = q->columns[text[k]].offsets + q->from + i;
            used += at[1] - at[0];
        }
        if (used > g->heap_size) return i;
        while ((uint64_t)g->fill.heap_pages * TELEM_I_FILE_PAGE < used) {
            if (x->pool.count == 0) return i;
            g->fill.heap[g->fill.heap_pages++] = telem_i_file_take_page(&x->pool);
        }
    }
    return n;
}

/* Rows behind the one just taken (the row before q->from), as many as the open block has room for, at most n.
   All fields are present. Returns how many. */
static uint32_t telem_i_file_gather_columns(telem_file_writer *w, telem_i_file_wstream *s, const telem_i_file_source *q, uint64_t n64) {
    telem_i_file_cshared *x = w->columns;
    telem_i_file_gather *g = s->g;
    telem_i_file_batch *f = &g->fill;
    telem_i_file_source before = *q;
    telem_i_file_pages *pool = telem_i_file_pool_of(x, g);
    telem_columns it;
    telem_column c;
    uint32_t text[TELEM_I_FILE_GATHER_TEXTS], texts = 0, base = f->count, n, m, i, k, left, run;
    uint16_t *pick = NULL;
    size_t in = TELEM_I_FILE_RECORD;
    int64_t t, last;
    if (f->count >= g->limit || n64 == 0 || f->rows >= TELEM_I_FILE_MAX_BLOCK_ROWS) return 0;
    n = g->limit - f->count < w->desc.block_rows - 1u ? g->limit - f->count : w->desc.block_rows - 1u;
    if (n > n64) n = (uint32_t)n64;
    if (n > TELEM_I_FILE_MAX_BLOCK_ROWS - f->rows) n = TELEM_I_FILE_MAX_BLOCK_ROWS - f->rows;
    telem_i_file_tile_out(g);
    while (pool->count && (f->pages << f->shift) - base < n) f->page[f->pages++] = telem_i_file_take_page(pool);
    if (n > (f->pages << f->shift) - base) n = (f->pages << f->shift) - base;
    telem_columns_begin(&it, s->schema);
    while (s->has_variable && telem_columns_next(&it, &c))
        for (i = 0; telem_i_file_codes_variable(c.type) && i < c.count; i++) {
            if (texts == TELEM_I_FILE_GATHER_TEXTS) return 0;
            text[texts++] = c.index + i;
        }
    n = telem_i_file_gather_texts_fit(x, g, q, text, texts, n);
    if (n == 0) return 0;
    before.from--;
    left = telem_i_file_same_rows(s, &before, n + 1u, f->t, f->step, 1, x->same);
    if (left && f->rows == 1) left -= x->same[1], x->same[1] = 0; /* the second row of a block: see telem_i_file_gather_row */
    for (i = 0, m = 0; left && i < n; i++)
        if (!x->same[i + 1u]) x->pick[m++] = (uint16_t)i;
    if (left) pick = x->pick;
    else m = n;
    for (i = 0, k = base - 1u, t = f->t; i < n; i++) { /* the heads of the records */
        last = t;
        t = q->times ? q->times[q->from + i] : telem_i_signed(q->number + q->from + i);
        f->step = telem_i_signed(telem_i_file_since(last, t));
        if (t < f->min) f->min = t;
        if (t > f->max) f->max = t;
        if (left && x->same[i + 1u]) {
            memcpy(&run, telem_i_file_cell(f, k, 8, 4), 4);
            run++;
            memcpy(telem_i_file_cell(f, k, 8, 4), &run, 4);
            f->repeats = 1;
            continue;
        }
        telem_i_file_record_head(f, ++k, t);
        for (run = 0; run < texts; run++) {
            const telem_file_column *v = &q->columns[text[run]];
            const uint32_t *at = v->offsets + q->from + i;
            if (at[1] > at[0]) telem_i_file_heap_put(f, (const uint8_t *)v->data + at[0], at[1] - at[0]);
        }
    }
    f->t = t;
    telem_columns_begin(&it, s->schema);
    while (telem_columns_next(&it, &c))
        for (i = 0; i < c.count; i++) {
            const telem_file_column *v = &q->columns[c.index + i];
            if (telem_i_file_codes_variable(c.type)) {
                for (k = 0; k < m; k++) {
                    const uint32_t *at = v->offsets + q->from + (pick ? pick[k] : k);
                    telem_put32(telem_i_file_cell(f, base + k, in, 4), at[1] - at[0]);
                }
                in += 4;
            } else {
                telem_i_file_gather_values(g, q, &c, (const uint8_t *)v->data, in, base, m, pick);
                in += c.width;
            }
        }
    f->count = base + m;
    telem_i_file_row_of_columns(s, q->columns, q->from + n - 1u);
    telem_i_file_keep_row(s);
    f->rows += n;
    s->next_row += n;
    w->rows += n;
    return n;
}

/* All rows; s->g is there. Returns how many were looked at. */
static uint64_t telem_i_file_take_columns(telem_file_writer *w, telem_i_file_wstream *s, telem_i_file_source *q, uint64_t rows, uint64_t raw, int nulls,
                                          int journal) {
    const int64_t *times = q->times;
    telem_i_file_gather *g = s->g;
    uint64_t at = 0;
    uint32_t n;
    if (telem_i_file_seal_due(s, times ? times[0] : telem_i_signed(q->number))) (void)telem_i_file_seal(w, s, 1);
    while (at < rows && w->error.code == TELEM_OK) {
        q->from = at;
        if (g->fill.count >= g->limit) (void)telem_i_file_seal(w, s, 0);
        n = g->fill.count == 0 && !nulls && q->columns && !journal && telem_i_file_finish(w, NULL) == TELEM_OK ? telem_i_file_direct_rows(w, s, q, rows - at, raw) : 0;
        if (n) {
            telem_i_file_direct_block(w, s, q, n);
            at += n;
            continue;
        }
        telem_i_file_row_of_columns(s, q->columns, at);
        s->ageless = at > 0; /* rows of one call do not wait for each other */
        (void)telem_i_file_take_row(w, s, times ? times[at] : telem_i_signed(q->number + at));
        s->ageless = 0;
        at++;
        if (g->fill.count && !nulls && !journal && w->error.code == TELEM_OK) {
            q->from = at;
            at += telem_i_file_gather_columns(w, s, q, rows - at);
        }
    }
    return at;
}

/* The same in a coding that takes rows only. */
static uint64_t telem_i_file_take_by_rows(telem_file_writer *w, telem_i_file_wstream *s, const telem_i_file_source *q, uint64_t rows) {
    uint64_t at = 0;
    while (at < rows && w->error.code == TELEM_OK) {
        telem_i_file_row_of_columns(s, q->columns, at);
        s->ageless = at > 0;
        (void)telem_i_file_take_row(w, s, q->times ? q->times[at] : telem_i_signed(q->number + at));
        s->ageless = 0;
        at++;
    }
    return at;
}

TELEM_API telem_result telem_file_write_columns(telem_file_writer *w, uint32_t stream, uint64_t rows, const int64_t *times,
                                                const telem_file_column *columns, uint32_t count) {
    telem_i_file_wstream *s;
    telem_i_file_source q;
    telem_result r;
    uint64_t at, texts;
    int nulls, journal = telem_file_journals(w); /* then each row goes through the zone */
    if (!w || !w->open) return telem_i_file_not_open(w);
    s = telem_i_file_find_stream(w, stream);
    if (!s) return telem_i_file_turn_down(w, NULL, rows, TELEM_ERR_NOT_FOUND);
    if (rows == 0) return w->error.code;
    if (count != telem_schema_columns(s->schema) || (count && !columns)) return telem_i_file_turn_down(w, s, rows, TELEM_ERR_ARG);
    r = telem_i_file_check_columns(s->schema, columns, rows, &texts, &nulls);
    if (r != TELEM_OK) return telem_i_file_turn_down(w, s, rows, r);
    memset(&q, 0, sizeof q);
    q.g = s->g;
    q.x = w->columns;
    q.columns = columns;
    q.times = times;
    q.number = s->next_row;
    telem_i_file_acquire(w);
    at = s->g ? telem_i_file_take_columns(w, s, &q, rows, s->g->record + texts / rows, nulls, journal) : telem_i_file_take_by_rows(w, s, &q, rows);
    if (at < rows) {
        s->next_row += rows - at;
        w->rows += rows - at;
        telem_i_file_lose(w, s, rows - at, times ? times[at] : 0, times ? times[rows - 1u] : 0);
    }
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (w->error.code == TELEM_OK && w->desc.sync != TELEM_FILE_SYNC_NONE) (void)telem_i_file_row_synced(w);
#endif
    r = w->error.code;
    telem_i_file_release(w);
    return r;
}

/* ---- the reader's side ---- */

/* A column of a block, by the directory. */
typedef struct telem_i_file_centry {
    size_t at, chunk, chunk_end; /* of the block's data: the column, and the chunk it lies in */
    uint32_t length, check;
    uint8_t coded, codec, key, bounded, lo, hi;
} telem_i_file_centry;

/* A block's head, taken apart. */
typedef struct telem_i_file_chead {
    const telem_i_file_framing *f;
    telem_i_file_cursor dir;   /* sections not yet taken */
    telem_i_file_cursor table; /* indexed: their sizes */
    telem_i_file_keys keys;
    size_t key_at[TELEM_I_FILE_KEYS];
    uint32_t key_check[TELEM_I_FILE_KEYS];
    size_t at;                 /* where the next section's data begin */
    size_t data;               /* from the payload's start to the data; room for the data */
    size_t size;
    uint32_t distinct, columns, taken; /* taken: columns of the sections so far */
    uint8_t form;
} telem_i_file_chead;

/* 1: the column is a member of a key already. */
static int telem_i_file_is_member(const telem_i_file_keys *keys, uint32_t up_to, uint32_t members, uint32_t number) {
    uint32_t i, m;
    for (i = 0; i <= up_to; i++)
        for (m = 0; m < (i < up_to ? keys->key[i].members : members); m++)
            if (keys->key[i].member[m] == number) return 1;
    return 0;
}

static void telem_i_file_take_keys(telem_i_file_chead *h, telem_i_file_cursor *c) {
    uint32_t i, m;
    h->keys.count = telem_i_file_take_byte(c);
    if (h->keys.count == 0 || h->keys.count > TELEM_I_FILE_KEYS) c->bad = 1;
    for (i = 0; i < h->keys.count && !c->bad; i++) {
        telem_i_file_key *key = &h->keys.key[i];
        key->members = (uint32_t)telem_i_file_take_limited(c, TELEM_I_FILE_KEYS);
        if (key->members == 0) c->bad = 1;
        for (m = 0; m < key->members && !c->bad; m++) {
            key->member[m] = (uint32_t)telem_i_file_take_limited(c, h->columns - 1u);
            if (key->member[m] < 2 || telem_i_file_is_member(&h->keys, i, m, key->member[m])) c->bad = 1;
        }
        key->distinct = (uint32_t)telem_i_file_take_limited(c, h->distinct);
        key->length = (uint32_t)telem_i_file_take_limited(c, h->size);
        if (key->distinct == 0) c->bad = 1;
        h->key_at[i] = h->at;
        h->at += key->length;
        if (h->form & TELEM_I_FILE_FORM_INDEXED) {
            const uint8_t *p = telem_i_file_take_bytes(c, 4);
            if (!c->bad) h->key_check[i] = telem_get32(p);
        }
    }
}

/* How many bytes the head of an indexed block has, as far as the first `n` tell; 0: not indexed or not to
   be told. */
static size_t telem_i_file_head_bytes(const uint8_t *p, size_t n) {
    telem_i_file_cursor c = telem_i_file_cursor_at(p, n);
    uint8_t form = telem_i_file_take_byte(&c);
    uint64_t rest;
    (void)telem_i_file_take_varint(&c);
    rest = telem_i_file_take_varint(&c);
    if (c.bad || !(form & TELEM_I_FILE_FORM_INDEXED) || rest > (uint64_t)1 << 30) return 0;
    return (size_t)(c.p - p) + (size_t)rest;
}

/* `have`: bytes of the payload at hand, all of its `size` or, indexed, the head at least. 0: a violation,
   -1: a reserved bit. */
static int telem_i_file_take_head(telem_i_file_chead *h, const telem_i_file_framing *f, const uint8_t *p, size_t have, size_t size, uint32_t columns, uint32_t rows) {
    telem_i_file_cursor c = telem_i_file_cursor_at(p, have);
    uint32_t i;
    memset(h, 0, sizeof *h);
    h->f = f;
    h->columns = columns;
    h->size = size;
    h->form = telem_i_file_take_byte(&c);
    if (c.bad) return 0;
    if (h->form > 7) return -1;
    h->distinct = (uint32_t)telem_i_file_take_limited(&c, rows < TELEM_I_FILE_COLUMN_ROWS ? rows : TELEM_I_FILE_COLUMN_ROWS);
    if (c.bad || h->distinct == 0) return 0;
    if (h->form & TELEM_I_FILE_FORM_INDEXED) {
        size_t rest = (size_t)telem_i_file_take_limited(&c, telem_i_file_cursor_left(&c));
        if (c.bad || rest < 4) return 0;
        c.end = c.p + rest - 4u;
        h->data = rest + (size_t)(c.p - p);
    }
    if (h->form & TELEM_I_FILE_FORM_KEYS) telem_i_file_take_keys(h, &c);
    if (h->form & TELEM_I_FILE_FORM_INDEXED) {
        h->table = c;
        for (i = 0; i < columns; i += TELEM_I_FILE_SECTION) {
            (void)telem_i_file_take_varint(&c);
            (void)telem_i_file_take_varint(&c);
        }
    }
    h->dir = c;
    return !c.bad;
}

static void telem_i_file_take_check(telem_i_file_chead *h, telem_i_file_centry *e, uint32_t from, uint32_t to, size_t chunk) {
    const uint8_t *p = telem_i_file_take_bytes(&h->dir, 4);
    if (h->dir.bad) return;
    for (; from < to; from++) {
        e[from].check = telem_get32(p);
        e[from].chunk = chunk;
        e[from].chunk_end = h->at;
    }
}

/* The next section into e[0..63]. 0: a violation. */
static int telem_i_file_take_section(telem_i_file_chead *h, telem_i_file_centry *e) {
    uint32_t n = h->columns - h->taken, i, k, first = 0; /* first: of the chunk */
    size_t chunk = h->at, zeros = 0;
    int indexed = h->form & TELEM_I_FILE_FORM_INDEXED;
    if (n > TELEM_I_FILE_SECTION) n = TELEM_I_FILE_SECTION;
    memset(e, 0, n * sizeof *e);
    for (i = 0; i < n && !h->dir.bad; i += 8) {
        uint32_t size = n - i < 8 ? n - i : 8, mask = 0;
        if (zeros) {
            zeros--;
            continue;
        }
        mask = telem_i_file_take_byte(&h->dir);
        if (mask == 0) zeros = (size_t)telem_i_file_take_limited(&h->dir, (n - i - 1u) / 8u);
        if (mask >> size) return 0;
        for (k = i; k < i + size && !h->dir.bad; k++) {
            telem_i_file_centry *x = &e[k];
            if (!(mask >> (k - i) & 1u)) continue;
            x->coded = 1;
            x->codec = telem_i_file_take_byte(&h->dir);
            x->length = (uint32_t)telem_i_file_take_limited(&h->dir, h->size);
            if (x->codec & TELEM_I_FILE_CODEC_GROUPED) {
                x->key = telem_i_file_take_byte(&h->dir);
                if (x->key >= h->keys.count) return 0;
            }
            x->bounded = (x->codec & TELEM_I_FILE_CODEC_BOUNDS) != 0;
            if (x->bounded) {
                x->lo = telem_i_file_take_byte(&h->dir);
                x->hi = telem_i_file_take_byte(&h->dir);
            }
            if ((x->codec & TELEM_I_FILE_CODEC_ID) == TELEM_I_FILE_CODEC_RAW) h->at = telem_i_file_aligned(h->f, h->at);
            x->at = h->at;
            h->at += x->length;
            if (h->at > h->size) return 0;
            if (indexed && h->at - chunk >= TELEM_I_FILE_CHECKED) {
                telem_i_file_take_check(h, e, first, k + 1u, chunk);
                chunk = h->at;
                first = k + 1u;
            }
        }
    }
    if (indexed && h->at > chunk && !h->dir.bad) telem_i_file_take_check(h, e, first, n, chunk);
    h->taken += n;
    return !h->dir.bad;
}

/* All sections were taken: where the data begin. 0: bytes are missing or left over. */
static int telem_i_file_end_head(telem_i_file_chead *h, const uint8_t *p) {
    if (h->form & TELEM_I_FILE_FORM_INDEXED) {
        if (h->dir.p != h->dir.end) return 0;
    } else {
        h->data = (size_t)(h->dir.p - p);
    }
    if (h->form & TELEM_I_FILE_FORM_ALIGNED) h->data = telem_i_file_aligned(h->f, h->data);
    return h->data <= h->size && h->at == h->size - h->data;
}

/* Native values from little-endian ones that may lie unaligned. */
static void telem_i_file_from_little(uint8_t *to, const uint8_t *from, uint32_t width, size_t n) { telem_i_file_to_little(to, from, width, n); }

static void telem_i_file_fill_value(uint8_t *to, const uint8_t *one, uint32_t width, size_t n) {
    size_t all = n * width, done = width, part;
    if (n == 0) return;
    memcpy(to, one, width);
    for (; done < all; done += part) { /* twice as much each time, then 4 KiB */
        part = done < 4096u ? done : 4096u;
        if (part > all - done) part = all - done;
        memcpy(to + done, to, part);
    }
}

/* `n` values of a column of numbers as they are stored (grouped ones in their order), native. `old`: the
   state's value, little-endian. */
static telem_result telem_i_file_entry_numbers(telem_i_file_codec *k, const telem_column *c, const telem_i_file_centry *e, const uint8_t *p, const uint8_t *old,
                                             uint32_t n, uint8_t *out) {
    uint8_t one[8], codec = e->codec & TELEM_I_FILE_CODEC_ID;
    int r;
    if (!e->coded || codec == TELEM_I_FILE_CODEC_CONSTANT) {
        if (e->coded && e->length != c->width) return TELEM_ERR_CORRUPT;
        telem_i_file_from_little(one, e->coded ? p : old, c->width, 1);
        telem_i_file_fill_value(out, one, c->width, n);
    } else if (codec == TELEM_I_FILE_CODEC_RAW) {
        if (e->length != (uint64_t)n * c->width) return TELEM_ERR_CORRUPT;
        telem_i_file_from_little(out, p, c->width, n);
    } else {
        r = codec < TELEM_I_FILE_CODEC_TEXT ? telem_i_file_numbers_decode(k, c, codec, p, e->length, n, out) : -1;
        if (r < 0) return TELEM_ERR_UNSUPPORTED;
        if (r == 0) return TELEM_ERR_CORRUPT;
    }
    if (c->type == TELEM_BOOL) {
        uint64_t odd = 0, eight;
        uint32_t i = 0;
        for (; n - i >= 8u; i += 8u) {
            memcpy(&eight, out + i, 8);
            odd |= eight;
        }
        for (; i < n; i++) odd |= out[i];
        if (odd & ~(uint64_t)0x0101010101010101u) return TELEM_ERR_CORRUPT;
    }
    return TELEM_OK;
}

/* A columns block being decoded. All of it lies in the reader's memory above what is kept. */
typedef struct telem_i_file_cblock {
    telem_i_file_chead h;
    telem_i_file_codec k;
    telem_i_file_pool temp;
    telem_i_file_rstream *s;
    const uint8_t *data;            /* the block's data; NULL: they are fetched chunk by chunk */
    uint64_t data_pos;              /* their place in the stream */
    uint32_t *idx[TELEM_I_FILE_KEYS], *place[TELEM_I_FILE_KEYS];
    uint32_t *runs;                 /* NULL: nothing repeats */
    int64_t *times;                 /* of the distinct rows */
    uint32_t rows;                  /* with those that repeat */
    uint8_t all_present;
} telem_i_file_cblock;

static uint8_t *telem_i_file_temp(telem_i_file_cblock *b, uint64_t n) {
    uint8_t *p;
    b->temp.used = (b->temp.used + 63u) & ~(size_t)63u;
    if (b->temp.used > b->temp.size || n > b->temp.size - b->temp.used) return NULL;
    p = telem_i_file_grab(&b->temp, (size_t)n);
    return p;
}

/* Bytes of the data; those of a chunk that is fetched are checked. NULL: damage, or the io fails. */
static const uint8_t *telem_i_file_data_bytes(telem_file_reader *r, telem_i_file_cblock *b, size_t at, size_t chunk, size_t chunk_end, uint32_t check) {
    const uint8_t *p;
    uint64_t pos = b->data_pos + chunk;
    if (b->data) return b->data + at;
    if (chunk_end <= chunk) return r->window; /* no bytes */
    if (pos >= r->offset && pos - r->offset <= r->have) r->at = (size_t)(pos - r->offset);
    else if (telem_i_file_goto(r, pos) != TELEM_OK) return NULL;
    if (telem_i_file_fill(r, chunk_end - chunk) != TELEM_OK) return NULL;
    p = telem_i_file_here(r);
    if (telem_i_file_payload_hash(&r->framing, p, chunk_end - chunk, r->framing.seed) != check) return NULL;
    return p + (at - chunk);
}

static const uint8_t *telem_i_file_entry_bytes(telem_file_reader *r, telem_i_file_cblock *b, const telem_i_file_centry *e) {
    return e->coded ? telem_i_file_data_bytes(r, b, e->at, e->chunk, e->chunk_end, e->check) : r->window;
}

/* Room of the codecs for n rows; what the decoders work in comes from it. */
static int telem_i_file_cblock_scratch(telem_i_file_cblock *b, uint32_t n) {
    uint8_t *p = telem_i_file_temp(b, telem_i_file_scratch_bytes(n));
    if (p) telem_i_file_scratch_make(&b->k, p, n, 0);
    return p != NULL;
}

/* The key that a column is a member of; -1: none. */
static int telem_i_file_member_of(const telem_i_file_chead *h, uint32_t number) {
    uint32_t i, m;
    for (i = 0; i < h->keys.count; i++)
        for (m = 0; m < h->keys.key[i].members; m++)
            if (h->keys.key[i].member[m] == number) return (int)i;
    return -1;
}

/* A key's index, and the place of each row in the grouped order. */
static telem_result telem_i_file_key_rows(telem_file_reader *r, telem_i_file_cblock *b, uint32_t key) {
    const telem_i_file_key *x = &b->h.keys.key[key];
    uint32_t n = b->h.distinct;
    const uint8_t *p;
    if (b->idx[key]) return TELEM_OK;
    b->idx[key] = (uint32_t *)(void *)telem_i_file_temp(b, 4u * (uint64_t)n);
    b->place[key] = (uint32_t *)(void *)telem_i_file_temp(b, 4u * ((uint64_t)n + x->distinct + 1u));
    if (!b->idx[key] || !b->place[key]) {
        b->idx[key] = NULL;
        return TELEM_ERR_MEMORY;
    }
    p = telem_i_file_data_bytes(r, b, b->h.key_at[key], b->h.key_at[key], b->h.key_at[key] + x->length, b->h.key_check[key]);
    if (!p || !telem_i_file_index_decode(&b->k, p, x->length, n, x->distinct, b->idx[key]) || !telem_i_file_key_valid(b->idx[key], n, x->distinct)) {
        b->idx[key] = NULL;
        return TELEM_ERR_CORRUPT;
    }
    telem_i_file_key_places(b->idx[key], n, x->distinct, b->place[key] + n, b->place[key]);
    return TELEM_OK;
}

/* The n values of a column of numbers in the order of the distinct rows, native, COUNTERs less their rows. */
static telem_result telem_i_file_read_numbers(telem_file_reader *r, telem_i_file_cblock *b, const telem_column *c, uint32_t number, const telem_i_file_centry *e,
                                              const uint8_t *old, uint8_t *out) {
    uint32_t n = b->h.distinct, w = c->width;
    int member = telem_i_file_member_of(&b->h, number), grouped = e->coded && (e->codec & TELEM_I_FILE_CODEC_GROUPED) != 0;
    size_t mark = b->temp.used;
    uint8_t *values = out;
    const uint8_t *p;
    telem_result v;
    if (member >= 0 || grouped) {
        uint32_t key = member >= 0 ? (uint32_t)member : e->key;
        if (member >= 0 && grouped) return TELEM_ERR_CORRUPT;
        v = telem_i_file_key_rows(r, b, key);
        if (v != TELEM_OK) return v;
        mark = b->temp.used;
        values = telem_i_file_temp(b, 8u * (uint64_t)n + 64u);
        if (!values) return TELEM_ERR_MEMORY;
    }
    p = telem_i_file_entry_bytes(r, b, e);
    if (!p) return TELEM_ERR_CORRUPT;
    v = telem_i_file_entry_numbers(&b->k, c, e, p, old, member >= 0 ? b->h.keys.key[member].distinct : n, values);
    if (v == TELEM_OK && values != out) {
        telem_i_file_ungroup(w, member >= 0 ? b->idx[member] : b->place[e->key], n, values, out);
    }
    b->temp.used = mark;
    return v;
}

/* COUNTERs get their rows' numbers back. */
static void telem_i_file_recount(const telem_i_file_cblock *b, uint8_t *p, uint32_t width) {
    uint64_t row = 0;
    uint32_t i;
    for (i = 0; i < b->h.distinct; i++, p += width) {
        uint8_t v[8];
        telem_i_file_store(v, width, telem_i_file_native(p, width) + row);
        telem_i_file_to_native(v, width, 1);
        memcpy(p, v, width);
        row += 1u + (b->runs ? b->runs[i] : 0u);
    }
}

/* The n strings of an entry. */
static telem_result telem_i_file_entry_texts(telem_file_reader *r, telem_i_file_cblock *b, const telem_column *c, const telem_i_file_centry *e, uint32_t n,
                                             telem_i_file_texts *t) {
    uint32_t longest = telem_i_file_codes_variable(c->type) ? c->width - 4u : c->width, i, *at, *idx = NULL;
    uint8_t codec = e->codec & TELEM_I_FILE_CODEC_ID, *bytes;
    const uint8_t *p = telem_i_file_entry_bytes(r, b, e);
    telem_i_file_cursor in;
    size_t total;
    int v = 1;
    if (!p) return TELEM_ERR_CORRUPT;
    in.p = p, in.end = p + e->length, in.bad = 0;
    t->count = n, total = e->length;
    t->one = codec == TELEM_I_FILE_CODEC_CONSTANT;
    if (t->one) {
        t->count = 1;
    } else if (codec == TELEM_I_FILE_CODEC_RAW) {
        if (total < 4u * ((uint64_t)n + 1u) || telem_get32(p) != 0) return TELEM_ERR_CORRUPT;
        total -= 4u * ((size_t)n + 1u);
    } else {
        v = telem_i_file_text_head(codec, &in, n, &t->count, &total);
    }
    if (v <= 0) return v < 0 ? TELEM_ERR_UNSUPPORTED : TELEM_ERR_CORRUPT;
    if (total > (uint64_t)t->count * longest) return TELEM_ERR_CORRUPT;
    at = (uint32_t *)(void *)telem_i_file_temp(b, 4u * ((uint64_t)t->count + 1u));
    bytes = telem_i_file_temp(b, (uint64_t)total + 32u);
    if (codec == TELEM_I_FILE_TEXT_DICTIONARY) idx = (uint32_t *)(void *)telem_i_file_temp(b, 4u * (uint64_t)n);
    if (!at || !bytes || (codec == TELEM_I_FILE_TEXT_DICTIONARY && !idx)) return TELEM_ERR_MEMORY;
    if (t->one) {
        at[0] = 0, at[1] = (uint32_t)total;
        memcpy(bytes, p, total);
    } else if (codec == TELEM_I_FILE_CODEC_RAW) {
        for (i = 0; i <= n; i++) at[i] = telem_get32(p + 4u * (size_t)i);
        if (at[n] != total) return TELEM_ERR_CORRUPT;
        memcpy(bytes, p + 4u * ((size_t)n + 1u), total);
    } else if (!telem_i_file_text_decode(&b->k, codec, &in, n, total, bytes, at, idx, t)) {
        return TELEM_ERR_CORRUPT;
    }
    t->bytes = bytes;
    t->at = at;
    for (t->shortest = UINT32_MAX, i = 0; i < t->count; i++) {
        uint32_t len = at[i + 1u] - at[i]; /* one that goes back is huge */
        t->shortest = len < t->shortest ? len : t->shortest;
        t->longest = len > t->longest ? len : t->longest;
    }
    return t->longest > longest ? TELEM_ERR_CORRUPT : TELEM_OK;
}

/* from[i] = idx[order[i]] for n rows; the one that is there alone when the other is NULL. */
static telem_result telem_i_file_compose(telem_i_file_cblock *b, const uint32_t *order, uint32_t n, telem_i_file_texts *t) {
    const uint32_t *idx = t->from;
    uint32_t *from, i;
    if (!order) return TELEM_OK;
    t->from = order;
    if (!idx) return TELEM_OK;
    from = (uint32_t *)(void *)telem_i_file_temp(b, 4u * (uint64_t)n);
    if (!from) return TELEM_ERR_MEMORY;
    for (i = 0; i < n; i++) from[i] = idx[order[i]];
    t->from = from;
    return TELEM_OK;
}

/* The texts of the distinct rows. `old`: the state's, in row form. */
static telem_result telem_i_file_read_texts(telem_file_reader *r, telem_i_file_cblock *b, const telem_column *c, uint32_t number, const telem_i_file_centry *e,
                                            const uint8_t *old, telem_i_file_texts *t) {
    uint32_t n = b->h.distinct, *at;
    int member = telem_i_file_member_of(&b->h, number), grouped = e->coded && (e->codec & TELEM_I_FILE_CODEC_GROUPED) != 0;
    const uint32_t *order = NULL;
    telem_result v;
    memset(t, 0, sizeof *t);
    if (member >= 0 || grouped) {
        if (member >= 0 && grouped) return TELEM_ERR_CORRUPT;
        v = telem_i_file_key_rows(r, b, member >= 0 ? (uint32_t)member : e->key);
        if (v != TELEM_OK) return v;
        order = member >= 0 ? b->idx[member] : b->place[e->key];
        if (member >= 0) n = b->h.keys.key[member].distinct;
    }
    if (!e->coded) { /* the state's */
        at = (uint32_t *)(void *)telem_i_file_temp(b, 8u);
        if (!at) return TELEM_ERR_MEMORY;
        at[0] = 0;
        at[1] = telem_i_file_codes_variable(c->type) ? telem_get32(old) : telem_i_file_trimmed(old, c->width);
        t->bytes = telem_i_file_codes_variable(c->type) ? old + 4 : old;
        t->at = at;
        t->count = t->one = 1;
        return TELEM_OK;
    }
    v = telem_i_file_entry_texts(r, b, c, e, n, t);
    return v != TELEM_OK ? v : telem_i_file_compose(b, order, b->h.distinct, t);
}

/* Run lengths and times. */
static telem_result telem_i_file_read_runs(telem_file_reader *r, telem_i_file_cblock *b, const telem_i_file_centry *e) {
    telem_column c = telem_i_file_own_column(0);
    static const uint8_t zero[8] = {0};
    uint32_t n = b->h.distinct, i;
    uint64_t sum = n;
    telem_result v;
    if (n == b->rows) return e->coded ? TELEM_ERR_CORRUPT : TELEM_OK;
    if (!e->coded || (e->codec & TELEM_I_FILE_CODEC_GROUPED)) return TELEM_ERR_CORRUPT;
    b->runs = (uint32_t *)(void *)telem_i_file_temp(b, 4u * (uint64_t)n + 64u);
    if (!b->runs) return TELEM_ERR_MEMORY;
    v = telem_i_file_read_numbers(r, b, &c, 0, e, zero, (uint8_t *)b->runs);
    for (i = 0; v == TELEM_OK && i < n; i++) sum += b->runs[i];
    if (v == TELEM_OK && sum != b->rows) v = TELEM_ERR_CORRUPT;
    if (v != TELEM_OK) b->runs = NULL;
    return v;
}

/* Where rows repeat: x is what each distinct one is off the expected time, and becomes its time. Returns the time
   of the block's last row. */
static int64_t telem_i_file_times_off(int64_t *x, const uint32_t *runs, uint32_t n, int key, int64_t at, int64_t *last_step) {
    uint64_t t = (uint64_t)at, step = (uint64_t)*last_step;
    uint32_t i = 0;
    if (key && n) { /* it is 0 for the first row, and there is no step yet */
        x[0] = at;
        step = 0;
        i = 1;
    }
    if (!runs)
        for (; i < n; i++) step += (uint64_t)x[i], t += step, x[i] = telem_i_signed(t);
    else
        for (; i < n; i++) {
            step += (uint64_t)x[i];
            x[i] = telem_i_signed(t + step);
            t += step + step * runs[i];
        }
    *last_step = telem_i_signed(step);
    return telem_i_signed(t);
}

/* Into b->times, which are `room` where that is given; the state's time goes on to the last row. */
static telem_result telem_i_file_read_times(telem_file_reader *r, telem_i_file_cblock *b, const telem_i_file_centry *e, int key, int64_t *room) {
    telem_i_file_rstream *s = b->s;
    telem_column c = telem_i_file_own_column(1);
    static const uint8_t zero[8] = {0};
    uint32_t n = b->h.distinct, i;
    telem_result v = TELEM_OK;
    b->times = room ? room : (int64_t *)(void *)telem_i_file_temp(b, 8u * (uint64_t)n + 64u);
    if (!b->times) return TELEM_ERR_MEMORY;
    if (e->coded && (e->codec & TELEM_I_FILE_CODEC_GROUPED)) return TELEM_ERR_CORRUPT;
    if (e->coded) v = telem_i_file_read_numbers(r, b, &c, 1, e, zero, (uint8_t *)b->times);
    else memset(b->times, 0, 8u * (size_t)n);
    if (v != TELEM_OK) return v;
    if (key && n && b->times[0]) return TELEM_ERR_CORRUPT; /* a KEY block begins at its base_time */
    if (key) s->step = 0;
    if (!e->coded || n != b->rows) { /* off the expected time */
        s->t = telem_i_file_times_off(b->times, b->runs, n, key, s->t, &s->step);
    } else if (n) {
        uint64_t base = (uint64_t)s->key_time;
        for (i = 0; i < n; i++) b->times[i] = telem_i_signed((uint64_t)b->times[i] + base);
        if (n > 1u || !key) s->step = telem_i_signed(telem_i_file_since(n > 1u ? b->times[n - 2u] : s->t, b->times[n - 1u]));
        s->t = b->times[n - 1u];
    }
    return TELEM_OK;
}

/* ---- rows out of a columns block ---- */

#define TELEM_I_FILE_TILE 16u /* rows that are put together at a time */

typedef struct telem_i_file_cview {
    const uint8_t *p;    /* numbers, native; NULL: as the state says */
    telem_i_file_texts texts;
} telem_i_file_cview;

struct telem_i_file_crows {
    telem_i_file_cblock b;
    telem_i_file_cview *views; /* by number in the block, from 2 on */
    uint8_t *tile;             /* rows [from, to) in row form */
    uint32_t from, to, tile_rows, next, repeat;
    int64_t step;
};

static telem_result telem_i_file_view_columns(telem_file_reader *r, struct telem_i_file_crows *x, const telem_i_file_centry *e) {
    telem_columns it;
    telem_column c;
    telem_i_file_cblock *b = &x->b;
    uint32_t number = 2, i;
    telem_result v;
    telem_columns_begin(&it, b->s->pub.schema);
    while (telem_columns_next(&it, &c)) {
        if (c.presence && b->all_present) continue;
        for (i = 0; i < c.count; i++, number++) {
            telem_i_file_cview *view = &x->views[number - 2u];
            const uint8_t *old = b->s->prev + c.row + (size_t)i * c.width;
            int counter = telem_i_file_is_counter(&c);
            uint8_t *to, first[8];
            if (telem_i_file_codes_text(c.type)) {
                v = telem_i_file_read_texts(r, b, &c, number, &e[number], old, &view->texts);
                if (v != TELEM_OK) return v;
                continue;
            }
            if (!e[number].coded && !counter) continue;
            to = telem_i_file_temp(b, (uint64_t)b->h.distinct * c.width + 64u);
            if (!to) return TELEM_ERR_MEMORY;
            if (counter) telem_i_file_store(first, c.width, telem_i_file_load(old, c.width) + 1u);
            v = telem_i_file_read_numbers(r, b, &c, number, &e[number], counter ? first : old, to);
            if (v != TELEM_OK) return v;
            if (counter) telem_i_file_recount(b, to, c.width);
            view->p = to;
        }
    }
    return TELEM_OK;
}

static void telem_i_file_tile_texts(const telem_i_file_texts *t, const telem_column *c, uint32_t from, uint32_t n, uint8_t *to, size_t row) {
    uint32_t i, variable = telem_i_file_codes_variable(c->type) ? 4u : 0u;
    for (i = 0; i < n; i++, to += row) {
        uint32_t k = telem_i_file_text_of(t, from + i), len = telem_i_file_text_length(t, k);
        if (variable) telem_put32(to, len);
        if (len) memcpy(to + variable, t->bytes + t->at[k], len);
        memset(to + variable + len, 0, c->width - variable - len);
    }
}

/* Puts the next rows together. */
static void telem_i_file_tile_fill(struct telem_i_file_crows *x) {
    telem_i_file_cblock *b = &x->b;
    const telem_i_file_rstream *s = b->s;
    telem_columns it;
    telem_column c;
    uint32_t number = 2, n = b->h.distinct - x->next, i, k;
    size_t row = s->pub.row_size;
    if (n > x->tile_rows) n = x->tile_rows;
    x->from = x->next;
    x->to = x->next + n;
    telem_columns_begin(&it, s->pub.schema);
    while (telem_columns_next(&it, &c)) {
        if (c.presence && b->all_present) {
            for (k = 0; k < n; k++) x->tile[k * row + c.row] = 1;
            continue;
        }
        for (i = 0; i < c.count; i++, number++) {
            const telem_i_file_cview *view = &x->views[number - 2u];
            uint8_t *to = x->tile + c.row + (size_t)i * c.width;
            const uint8_t *p = view->p ? view->p + (size_t)x->from * c.width : NULL;
            if (telem_i_file_codes_text(c.type)) {
                telem_i_file_tile_texts(&view->texts, &c, x->from, n, to, row);
            } else if (!view->p) {
                for (k = 0; k < n; k++, to += row) memcpy(to, s->prev + c.row + (size_t)i * c.width, c.width);
            } else {
                for (k = 0; k < n; k++, to += row, p += c.width) telem_i_file_to_little(to, p, c.width, 1);
            }
        }
    }
}

/* A columns block, verified: its columns are decoded, its rows come by telem_i_file_column_row. */
static telem_result telem_i_file_begin_crows(telem_file_reader *r, telem_i_file_rblock *blk, const uint8_t *p, size_t n, uint32_t rows, int key) {
    telem_i_file_rstream *s = blk->stream;
    struct telem_i_file_crows *x;
    telem_i_file_cblock probe, *b = &probe;
    telem_i_file_centry *e;
    uint32_t columns = 2u + s->columns - (blk->all_present ? s->presences : 0u), i;
    telem_result v;
    int good;
    memset(b, 0, sizeof *b);
    good = telem_i_file_take_head(&b->h, &r->framing, p, n, n, columns, rows);
    if (good <= 0) return good < 0 ? TELEM_ERR_UNSUPPORTED : TELEM_ERR_CORRUPT;
    b->temp = r->arena;
    b->s = s;
    b->rows = rows;
    b->all_present = blk->all_present;
    x = (struct telem_i_file_crows *)(void *)telem_i_file_temp(b, sizeof *x);
    if (!x) return TELEM_ERR_MEMORY;
    memset(x, 0, sizeof *x);
    x->b = *b;
    b = &x->b;
    e = (telem_i_file_centry *)(void *)telem_i_file_temp(b, (uint64_t)(columns + TELEM_I_FILE_SECTION) * sizeof *e);
    x->views = (telem_i_file_cview *)(void *)telem_i_file_temp(b, (uint64_t)columns * sizeof *x->views);
    x->tile_rows = s->pub.row_size > 65536u / TELEM_I_FILE_TILE ? 65536u / s->pub.row_size + 1u : TELEM_I_FILE_TILE;
    x->tile = telem_i_file_temp(b, (uint64_t)x->tile_rows * s->pub.row_size + 1u);
    if (!e || !x->views || !x->tile || !telem_i_file_cblock_scratch(b, b->h.distinct)) return TELEM_ERR_MEMORY;
    memset(x->views, 0, columns * sizeof *x->views);
    for (i = 0; i < columns; i += TELEM_I_FILE_SECTION)
        if (!telem_i_file_take_section(&b->h, e + i)) return TELEM_ERR_CORRUPT;
    if (!telem_i_file_end_head(&b->h, p)) return TELEM_ERR_CORRUPT;
    b->data = p + b->h.data;
    v = telem_i_file_read_runs(r, b, &e[0]);
    if (v == TELEM_OK) {
        int64_t t = s->t, step = s->step;
        v = telem_i_file_read_times(r, b, &e[1], key, NULL);
        x->step = key ? 0 : step;
        s->t = t; /* goes on with the rows */
    }
    if (v == TELEM_OK) v = telem_i_file_view_columns(r, x, e);
    if (v != TELEM_OK) return v;
    s->step = x->step;
    blk->columns = x;
    return TELEM_OK;
}

/* The most that a block of a stream takes while its rows are read, above the block itself. */
static uint64_t telem_i_file_crows_bytes(const telem_file_writer_desc *f, const telem_schema *schema) {
    telem_i_file_gather_sizes z = telem_i_file_gather_layout(f, schema, 0);
    uint64_t n = telem_i_file_rows_most(f, z.record), size = sizeof(struct telem_i_file_crows) + 64u * 16u;
    telem_columns it;
    telem_column c;
    size += (uint64_t)(z.columns + TELEM_I_FILE_SECTION) * (sizeof(telem_i_file_centry) + sizeof(telem_i_file_cview));
    size += 65536u + 2u * (uint64_t)telem_schema_row_size(schema); /* the tile */
    size += telem_i_file_scratch_bytes((uint32_t)n) + n * (8u + 4u + 8u) + TELEM_I_FILE_KEYED * (12u * n + 256u);
    telem_columns_begin(&it, schema);
    while (telem_columns_next(&it, &c)) {
        uint64_t one = (uint64_t)n * c.width + 128u;
        if (telem_i_file_codes_text(c.type)) one = 12u * n + 384u + (telem_i_file_codes_variable(c.type) ? 0 : n * c.width);
        size += one * c.count;
    }
    if (z.variable) size += (uint64_t)(z.heap > TELEM_I_FILE_RAW_MOST ? z.heap : TELEM_I_FILE_RAW_MOST);
    return size;
}

/* The next row of the block; state t and step go on with it. */
static const uint8_t *telem_i_file_column_row(telem_i_file_rblock *blk) {
    struct telem_i_file_crows *x = blk->columns;
    telem_i_file_rstream *s = blk->stream;
    uint8_t *row;
    int64_t time;
    if (x->repeat) {
        x->repeat--;
        time = telem_i_file_plus(s->t, (uint64_t)s->step);
        row = x->tile + (size_t)(x->next - 1u - x->from) * s->pub.row_size;
        if (s->has_counter) telem_i_file_step_row(s, row, 1);
    } else {
        if (x->next == x->to) telem_i_file_tile_fill(x);
        time = x->b.times[x->next];
        row = x->tile + (size_t)(x->next - x->from) * s->pub.row_size;
        x->repeat = x->b.runs ? x->b.runs[x->next] : 0;
        x->next++;
    }
    s->step = blk->first ? 0 : telem_i_signed(telem_i_file_since(s->t, time));
    s->t = time;
    s->has_time = 1;
    blk->first = 0;
    blk->rows--;
    blk->row++;
    if (blk->rows == 0) memcpy(s->prev, row, s->pub.row_size); /* the state that the block leaves */
    return row;
}
#if defined(TELEM_I_FILE_FASTER)
#pragma GCC pop_options
#endif
#endif

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
    if (r->latest && r->latest->next && r->latest->next->pub.id == id) return r->latest = r->latest->next;
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

static telem_file_item *telem_i_file_missing(telem_file_reader *r, telem_i_file_rstream *s, uint64_t first, uint64_t count, int at_least,
                            telem_result code, uint64_t offset, const char *what) {
    telem_file_item *item;
    if (first < s->seen_row && !at_least) { /* these came out of the journal zone */
        uint64_t seen = s->seen_row - first < count ? s->seen_row - first : count;
        first += seen;
        count -= seen;
    }
    if (count == 0) return NULL;
    s->pub.lost += count;
    item = telem_i_file_push(r, TELEM_ITEM_MISSING, offset);
    item->stream = &s->pub;
    item->row = first;
    item->count = count;
    item->at_least = (uint8_t)(at_least ? 1 : 0);
    item->error.code = code;
    item->error.offset = offset;
    item->error.what = what;
    return item;
}

/* Rows up to `row` did not come. `time`: of the row after them, if known. */
static void telem_i_file_gap(telem_file_reader *r, telem_i_file_rstream *s, uint64_t row, const int64_t *time, uint64_t offset) {
    telem_file_item *item;
    s->doubtful = 0; /* they are among these */
    if (s->anywhere) {
        s->anywhere = 0;
        s->next_row = row;
    }
    if (row <= s->next_row) return;
    item = telem_i_file_missing(r, s, s->next_row, row - s->next_row, 0, TELEM_ERR_CORRUPT, offset, "rows are missing before this block");
    if (item && time && s->has_time) {
        item->has_span = 1;
        item->first = s->t;
        item->last = *time;
    }
    s->next_row = row;
    s->decodable = 0;
}

/* An end block said how many rows there are before a schema said where they begin: those between are missing. */
static void telem_i_file_gap_to_end(telem_file_reader *r, telem_i_file_rstream *s, uint64_t offset) {
    if (!s->has_end || s->anywhere) return;
    telem_i_file_gap(r, s, s->end_row, NULL, offset);
    s->has_end = 0;
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
    telem_file_item *item;
    if (!s) return;
    s->decodable = 0;
    if (h->key) telem_i_file_see_key(s, h, d);
    if (!d->known) {
        if (!s->anywhere) s->doubtful += d->rows;
        return;
    }
    if (!s->anywhere && d->first_row < s->next_row) return; /* a repeat */
    telem_i_file_gap(r, s, d->first_row, h->key || d->has_times ? &d->first : NULL, h->offset);
    item = telem_i_file_missing(r, s, d->first_row, d->rows, 0, code, h->offset, what);
    if (item && d->has_times) {
        item->has_span = 1;
        item->first = d->min;
        item->last = d->max;
    }
    s->next_row = d->first_row + d->rows;
    s->has_time = 0;
}

#if !defined(TELEM_FILE_NO_COLUMNS)
static const char *telem_i_file_columns_wrong(telem_result e) {
    return e == TELEM_ERR_MEMORY ? "the reader's memory is too small for a block of columns" :
           e == TELEM_ERR_UNSUPPORTED ? "a column is in a coding that this reader does not have" : "a block's columns do not decode";
}
#endif

/* Begins to decode a good block of rows or columns. `p`: its payload. */
static void telem_i_file_begin_rows(telem_file_reader *r, const telem_i_file_header *h, const telem_i_file_data *d, const uint8_t *p, size_t n) {
    telem_i_file_rstream *s = telem_i_file_rstream_get(r, d->stream);
    telem_i_file_rblock *b = &r->block;
    telem_result e = TELEM_OK;
    const char *wrong = "";
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
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (h->type == TELEM_BLOCK_COLUMNS) {
        e = telem_i_file_begin_crows(r, b, p, n, d->rows, h->key);
        wrong = telem_i_file_columns_wrong(e);
        n = 0; /* nothing is left over */
    }
#endif
#if !defined(TELEM_FILE_NO_MINI)
    if (h->type == TELEM_BLOCK_MINI) {
        b->rows = d->rows;
        e = telem_i_file_begin_mini(r, b, p, n, h->key, d->base_time);
        wrong = e == TELEM_ERR_MEMORY ? "the reader's memory is too small for a mini block" : "a mini block's columns do not decode";
        n = 0;
    }
#endif
    if (e != TELEM_OK) {
        b->stream = NULL;
        s->decodable = s->has_time = 0;
        telem_i_file_damage(r, e, h->offset, h->total, wrong);
        (void)telem_i_file_missing(r, s, d->first_row, d->rows, 0, e, h->offset, wrong);
        s->next_row = d->first_row + d->rows;
        return;
    }
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
            old->clock.domain == k.domain && telem_i_length(old->name) == n && memcmp(old->name, name, n) == 0) return NULL;
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

/* The fingerprint of a schema out of its encoding, which was decoded: that of the identity, behind a byte and its size. */
static uint64_t telem_i_file_identity_hash(const uint8_t *p, size_t n) {
    uint64_t size = 0;
    int head = telem_varint_get(p + 1, n - 1u, &size);
    return head > 0 && size <= n - 1u - (size_t)head ? telem_i_file_hash_pair(p + 1 + head, (size_t)size) : 0;
}

/* Gives a stream its schema and rows. */
static const char *telem_i_file_adopt_schema(telem_file_reader *r, telem_i_file_header *h, const telem_i_file_rschema *d, telem_i_file_rstream *s) {
    telem_i_file_rclock *k = telem_i_file_rclock_find(r, d->clock);
    const telem_schema *schema = NULL;
    telem_i_arena room = TELEM_ZERO;
    if (d->encoding_len == 0) {
        int64_t need = telem_schema_decode_bytes(d->bytes, (size_t)d->n, NULL);
        void *memory;
        if (need == TELEM_ERR_UNSUPPORTED) h->code = TELEM_ERR_UNSUPPORTED;
        if (need < 0) return "a schema does not decode";
        memory = telem_i_file_take(&r->arena, (size_t)need);
        room.base = telem_i_align8(memory); /* measured above: telem_schema_decode would do it again */
        if (memory && telem_i_decode(d->bytes, (size_t)d->n, &room, &schema, NULL) != TELEM_OK) return "a schema does not decode";
        if (schema && telem_i_file_identity_hash(d->bytes, (size_t)d->n) != d->fingerprint) return "a schema has another fingerprint than its block says";
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
        if (s->known && s->pub.id != d.id && telem_i_length(s->pub.name) == d.name_len && memcmp(s->pub.name, d.name, d.name_len) == 0)
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
        s->end_row = s->pub.end_row = next_row;
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

#if !defined(TELEM_FILE_NO_COLUMNS)
static const char *telem_i_file_read_attachment(telem_file_reader *r, telem_i_file_header *b, telem_i_file_cursor c);
#endif

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
#if !defined(TELEM_FILE_NO_COLUMNS)
    case TELEM_BLOCK_ATTACHMENT: return telem_i_file_read_attachment(r, h, c);
    case TELEM_BLOCK_COLUMNS:
#endif
#if !defined(TELEM_FILE_NO_MINI)
    case TELEM_BLOCK_MINI:
#endif
    case TELEM_BLOCK_ROWS: telem_i_file_begin_rows(r, h, d, c.p, telem_i_file_cursor_left(&c)); return NULL;
    default: break;
    }
    h->code = TELEM_ERR_UNSUPPORTED;
    if (h->type == TELEM_BLOCK_COLUMNS) return "a block in columns coding: this reader was built without it";
    if (h->type == TELEM_BLOCK_MINI) return "a block in mini coding: this reader was built without it";
    return "an attachment: this reader was built without them";
}

#if !defined(TELEM_FILE_NO_COLUMNS)
/* >>attachments-in -------------------------------------------------------------------------------- */

#define TELEM_I_FILE_OPEN_ATTACHMENTS 16u /* that a reader follows at once */

/* One that began and did not end yet. */
typedef struct telem_i_file_followed {
    uint64_t id, next, total, head; /* head: hash of name and media type; next: bytes so far */
    uint64_t touched;               /* when its latest chunk came; 0: free */
    uint64_t offset;                /* of that block */
    telem_i_file_pair hash;
    uint8_t broken; /* bytes are missing */
    uint8_t headed;
} telem_i_file_followed;

typedef struct telem_i_file_rattach {
    uint64_t turn;
    telem_attachment now; /* of the item at hand */
    telem_attachment cut; /* of one that was not finished */
    telem_i_file_followed open[TELEM_I_FILE_OPEN_ATTACHMENTS];
    uint64_t ended; /* id of the last one that came to its end */
} telem_i_file_rattach;

static void telem_i_file_forget_attachments(telem_file_reader *r) {
    uint32_t i;
    for (i = 0; r->attach && i < TELEM_I_FILE_OPEN_ATTACHMENTS; i++) r->attach->open[i].touched = 0;
}

static telem_file_item *telem_i_file_push_attachment(telem_file_reader *r, const telem_attachment *a, uint64_t offset, telem_result code, const char *what) {
    telem_file_item *item = telem_i_file_push(r, TELEM_ITEM_ATTACHMENT, offset);
    item->attachment = a;
    item->error.code = code;
    item->error.offset = offset;
    item->error.what = what;
    return item;
}

/* No more of it will come. */
static void telem_i_file_cut_attachment(telem_file_reader *r, telem_i_file_followed *h, const char *what) {
    telem_attachment *a = &r->attach->cut;
    memset(a, 0, sizeof *a);
    a->id = h->id;
    a->offset = h->next;
    a->total = h->total;
    a->data = a->name = a->media = "";
    if (h->total != TELEM_FILE_UNKNOWN) a->missing = h->total - h->next;
    h->touched = 0;
    (void)telem_i_file_push_attachment(r, a, h->offset, TELEM_ERR_TRUNCATED, what);
}

/* At an end: those that were not finished, one a call. */
static int telem_i_file_cut_next(telem_file_reader *r) {
    uint32_t i;
    for (i = 0; r->attach && i < TELEM_I_FILE_OPEN_ATTACHMENTS; i++)
        if (r->attach->open[i].touched) {
            telem_i_file_cut_attachment(r, &r->attach->open[i], "an attachment that was not finished");
            return 1;
        }
    return 0;
}

/* The same where bytes end: behind an end block those of a feed may go on. */
static int telem_i_file_cut_last(telem_file_reader *r) { return !(r->carries && r->ended) && telem_i_file_cut_next(r); }

/* The account of an attachment, or the place for one: a free one, else the one that rested longest. */
static telem_i_file_followed *telem_i_file_follow(telem_file_reader *r, uint64_t id, int *fresh) {
    telem_i_file_followed *h = r->attach->open, *best = h;
    uint32_t i;
    for (i = 0; i < TELEM_I_FILE_OPEN_ATTACHMENTS; i++, h++) {
        if (h->touched && h->id == id) return h;
        if (h->touched < best->touched) best = h;
    }
    *fresh = 1;
    return best;
}

/* What stands in the block. Returns a text when it is no good. */
static const char *telem_i_file_parse_chunk(telem_i_file_header *h, telem_i_file_cursor c, telem_attachment *a, uint64_t *hash, uint8_t *flags) {
    const uint8_t *p;
    memset(a, 0, sizeof *a);
    a->name = a->media = "";
    a->id = telem_i_file_take_varint(&c);
    *flags = telem_i_file_take_byte(&c);
    a->offset = telem_i_file_take_varint(&c);
    if (*flags > (TELEM_I_FILE_HEAD | TELEM_I_FILE_LAST) && !c.bad) {
        h->code = TELEM_ERR_UNSUPPORTED;
        return "an attachment's chunk has unknown flags";
    }
    a->total = TELEM_FILE_UNKNOWN;
    if (*flags & TELEM_I_FILE_HEAD) {
        a->name = telem_i_file_take_text(&c, &a->name_len, 65535);
        a->media = telem_i_file_take_text(&c, &a->media_len, 65535);
        a->total = telem_i_file_take_limited(&c, (uint64_t)1 << 63) - 1u;
    }
    a->size = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX);
    a->data = telem_i_file_take_bytes(&c, a->size);
    p = *flags & TELEM_I_FILE_LAST ? telem_i_file_take_bytes(&c, 8) : NULL;
    if (c.bad || a->id == 0 || a->offset >> 63 || ((uint64_t)1 << 63) - a->offset < a->size) return "an attachment's chunk does not parse";
    *hash = p ? telem_get64(p) : 0;
    a->last = p != NULL;
    return NULL;
}

/* Does the chunk go on from what came before? */
static const char *telem_i_file_chunk_fits(telem_i_file_followed *h, telem_attachment *a, uint8_t flags) {
    uint64_t end = a->offset + a->size, head = telem_i_file_hash_pair(a->name, a->name_len) * 3u + telem_i_file_hash_pair(a->media, a->media_len);
    if (h->headed && (flags & TELEM_I_FILE_HEAD) && (h->total != a->total || h->head != head)) return "an attachment has two names or sizes";
    if (h->headed) a->total = h->total;
    if (a->total != TELEM_FILE_UNKNOWN && (end > a->total || (a->last && end != a->total))) return "an attachment's chunk lies outside of it";
    if (a->offset < h->next) return "an attachment's chunk lies before one that was read";
    if (flags & TELEM_I_FILE_HEAD) h->headed = 1, h->head = head;
    h->total = a->total;
    return NULL;
}

static const char *telem_i_file_read_attachment(telem_file_reader *r, telem_i_file_header *b, telem_i_file_cursor c) {
    telem_attachment *a, chunk;
    telem_i_file_followed *h, fresh;
    uint64_t hash = 0;
    uint8_t flags = 0;
    int is_fresh = 0;
    const char *wrong = telem_i_file_parse_chunk(b, c, &chunk, &hash, &flags), *what = NULL;
    if (wrong) return wrong;
    if (!r->attach && !(r->attach = (telem_i_file_rattach *)telem_i_file_take(&r->arena, sizeof *r->attach))) {
        b->code = TELEM_ERR_MEMORY;
        return "the reader's memory is too small to follow attachments";
    }
    if (chunk.offset == 0) r->attach->ended = 0;
    if (chunk.last && chunk.id == r->attach->ended) return NULL; /* its end again: the writer's io failed behind it */
    h = telem_i_file_follow(r, chunk.id, &is_fresh);
    if (is_fresh || (chunk.offset == 0 && h->next && (flags & TELEM_I_FILE_HEAD))) { /* another begins */
        memset(&fresh, 0, sizeof fresh);
        fresh.id = chunk.id;
        telem_i_file_pair_begin(&fresh.hash);
        if ((wrong = telem_i_file_chunk_fits(&fresh, &chunk, flags)) != NULL) return wrong;
        if (h->touched)
            telem_i_file_cut_attachment(r, h, h->id == chunk.id ? "an attachment that was not finished" : "an attachment that rested: too many are open at once");
        *h = fresh;
    } else if ((wrong = telem_i_file_chunk_fits(h, &chunk, flags)) != NULL) return wrong;
    a = &r->attach->now;
    *a = chunk;
    if (a->offset > h->next) {
        if (!(is_fresh && r->adrift)) a->missing = a->offset - h->next; /* else it was joined, and is not judged */
        if (a->missing) what = "bytes of an attachment are missing before this chunk";
        h->broken = 1;
    }
    telem_i_file_pair_add(&h->hash, a->data, a->size);
    h->next = a->offset + a->size;
    h->touched = ++r->attach->turn;
    h->offset = b->offset;
    if (a->last) {
        a->whole = !h->broken && telem_i_file_pair_end(&h->hash) == hash;
        if (!a->whole && !h->broken) what = "an attachment's hash does not match";
        h->touched = 0;
        r->attach->ended = a->id;
    }
    (void)telem_i_file_push_attachment(r, a, b->offset, what ? TELEM_ERR_CORRUPT : TELEM_OK, what ? what : "");
    return NULL;
}
#endif

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

#if !defined(TELEM_FILE_NO_COLUMNS)
static void telem_i_file_seek_schema(telem_file_reader *r, uint32_t id);
#endif

/* Bytes at the position do not hold. A writer that appends may have written them anew while they were read: they
   are read a second time. 0: they were. */
static int telem_i_file_once_more(telem_file_reader *r) {
    uint64_t where = telem_i_file_where(r);
    if (r->desc.map || !r->desc.io->seek || r->has_bad || r->finish || r->reread == where + 1u) return 0;
    r->reread = where + 1u;
    r->have = r->at;
    r->moved = 1;
    return 1;
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
    telem_i_file_rstream *s;
    memset(&d, 0, sizeof d);
    if (!h->fields.bad && data && !telem_i_file_read_data(r, h, &d)) {
        memset(&d, 0, sizeof d); /* nothing of it is believed */
        if (!h->wrong) h->wrong = "a data block's header fields do not parse";
    }
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (d.rows) telem_i_file_seek_schema(r, d.stream);
    e = telem_i_file_fill(r, h->bare); /* the window may have moved */
    if (e != TELEM_OK) return e;
    p = telem_i_file_here(r);
#endif
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
        if (h->wrong && telem_i_file_once_more(r)) return TELEM_OK;
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
        for (s = h->type == TELEM_BLOCK_SCHEMA ? r->streams : NULL; s; s = s->next) telem_i_file_gap_to_end(r, s, h->offset);
    }
    r->at += pad; /* the window stays until the block's rows and texts are taken */
    return TELEM_OK;
}

#if !defined(TELEM_FILE_NO_COLUMNS)
static telem_result telem_i_file_rewind(telem_file_reader *r);
#endif

#if !defined(TELEM_FILE_NO_JOURNAL)
/* >>journal-in -- section 12: rows that are in no block yet. J1 to J3: see >>journal-out. */

#define TELEM_I_FILE_ZONE_CHUNK 32768u /* bytes read of a slot at a time */

typedef struct telem_i_file_rzone {
    uint64_t at, bytes;          /* the zone in the stream */
    const uint8_t *base;         /* mapped; NULL: it is read through the io */
    void *mapping;
    size_t mapped;
    uint8_t *buf, *kept;         /* bytes of a slot; a row that others repeat */
    uint32_t buf_size, buf_at, buf_have, buf_generation;
    uint32_t kept_at, kept_generation, kept_n, kept_stream;
    uint32_t slots, slot_bytes;  /* 0: its header was not read yet */
    uint32_t generation, pos;    /* where reading goes on; generation 0: at the oldest */
    uint32_t state, opening[64]; /* of the slots as their heads were read last */
    uint8_t dead;    /* its header is no good: told */
    uint8_t again;   /* the blocks are read again because of the row at again_*, when again_from was expected */
    uint8_t first;   /* the zone is looked at before the blocks: these were at their end */
    uint8_t drained; /* telem_file_reader_finish: what is not in it is missing */
    uint8_t leaving; /* another session begins behind */
    uint8_t bad;     /* the slot at hand is damaged: told */
    uint8_t strange; /* rows of a stream that is not known: told */
    uint8_t scan;    /* nothing is written any more: slots that do not hold are passed over */
    uint64_t again_from;
    uint32_t again_generation, again_pos;
    uint32_t idle;   /* looks in vain for a next generation */
    uint32_t rounds; /* back to the blocks without a row in between */
    struct telem_i_file_rstream *gap; /* rows of it that a block lost are looked for */
    uint64_t gap_row, gap_end;
    uint32_t gap_generation, gap_pos;
    telem_file_item gap_item;
} telem_i_file_rzone;

typedef struct telem_i_file_jrow {
    uint64_t number;
    int64_t time;
    uint32_t stream, n, bytes; /* of the row form; in the slot */
    const uint8_t *data;
} telem_i_file_jrow;

/* n bytes of the zone. 0: they cannot be read. */
static int telem_i_file_zone_get(telem_file_reader *r, uint64_t off, void *to, size_t n) {
    telem_i_file_rzone *z = r->zone;
    if (off > z->bytes || n > z->bytes - off) return 0;
    if (z->base) {
        memcpy(to, z->base + off, n);
        return 1;
    }
    r->moved = 1;
    if (r->desc.io->seek(r->desc.io->user, z->at + off) != TELEM_OK) return 0;
    return telem_io_read_all(r->desc.io, to, n) == (int64_t)n;
}

/* Where byte `pos` of a generation's rows lies in the zone. */
static uint64_t telem_i_file_zone_place(const telem_i_file_rzone *z, uint32_t g, uint32_t pos) {
    return 64u + (uint64_t)(g % z->slots) * z->slot_bytes + TELEM_I_FILE_SLOT_HEAD + pos;
}

/* generation, then committed. */
static int telem_i_file_zone_head(telem_file_reader *r, uint32_t slot, uint32_t *generation, uint32_t *committed) {
    telem_i_file_rzone *z = r->zone;
    uint64_t off = 64u + (uint64_t)slot * z->slot_bytes;
    uint8_t b[12];
    if (z->base) {
        const telem_atomic32 *p = (const telem_atomic32 *)(const void *)(z->base + off);
        *generation = telem_i_file_le32(TELEM_LOAD32_ACQUIRE(p + 1));
        z->opening[slot] = telem_i_file_le32(TELEM_LOAD32_ACQUIRE(p + 2));
        *committed = telem_i_file_le32(TELEM_LOAD32_ACQUIRE(p)); /* J1 */
        return 1;
    }
    if (!telem_i_file_zone_get(r, off, b, sizeof b)) return 0;
    TELEM_FENCE_ACQUIRE(); /* J1 */
    *committed = telem_get32(b);
    *generation = telem_get32(b + 4);
    z->opening[slot] = telem_get32(b + 8);
    return 1;
}

static void telem_i_file_zone_damage(telem_file_reader *r, telem_result code, uint64_t off, uint64_t n, const char *what) {
    telem_i_file_damage(r, code, r->zone->at + off, n, what);
}

/* Is the zone there and in use? Told once when its header is no good. */
static int telem_i_file_zone_used(telem_file_reader *r) {
    telem_i_file_rzone *z = r->zone;
    uint8_t h[64];
    uint32_t slots, bytes, i;
    telem_result code = TELEM_ERR_CORRUPT;
    if (z->dead) return 0;
    if (z->slots && z->state) return 1; /* a zone that is closed while it is read has nothing new any more */
    if (!telem_i_file_zone_get(r, 0, h, sizeof h)) return 0;
    for (i = 0; i < sizeof h && h[i] == 0; i++) {
    }
    if (i == sizeof h) return 0; /* not made yet */
    z->state = telem_get32(h + 24);
    slots = telem_get16(h + 6);
    bytes = telem_get32(h + 16);
    if (telem_get32(h) == TELEM_I_FILE_JMAGIC && telem_get32(h + 20) == telem_i_xxh32(h, 20, r->framing.seed)) {
        if (telem_get16(h + 4) != 1) code = TELEM_ERR_UNSUPPORTED;
        else if (slots >= 2 && slots <= 64 && telem_get64(h + 8) == r->session.id && bytes >= 128 && bytes <= 1u << 28 && bytes % 64 == 0 &&
                 64u + (uint64_t)slots * bytes <= z->bytes) code = TELEM_OK;
    }
    if (code != TELEM_OK) {
        z->dead = 1;
        telem_i_file_zone_damage(r, code, 0, z->bytes, code == TELEM_ERR_CORRUPT ? "the journal zone's header is damaged" : "a journal zone of a newer layout");
        return 0;
    }
    z->slots = slots;
    z->slot_bytes = bytes;
    return z->state != 0;
}

static int telem_i_file_zone_row(telem_file_reader *r, uint32_t g, uint32_t pos, uint32_t end, telem_i_file_jrow *row);

/* The newest generation of the zone. One that would make others too old is believed when its first row holds: a
   damaged number costs its slot only. 0: none. */
static uint32_t telem_i_file_zone_newest(telem_file_reader *r) {
    telem_i_file_rzone *z = r->zone;
    telem_i_file_jrow row;
    uint32_t i, g, committed, newest, most = UINT32_MAX, end, apart;
    do {
        newest = end = apart = 0;
        for (i = 0; i < z->slots; i++)
            if (telem_i_file_zone_head(r, i, &g, &committed) && g % z->slots == i && g > newest && g <= most) newest = g, end = committed;
        for (i = 0; i < z->slots; i++)
            if (telem_i_file_zone_head(r, i, &g, &committed) && g && g % z->slots == i && g < newest && newest - g >= z->slots) apart = 1;
        most = newest - 1u;
    } while (apart && (end > z->slot_bytes - TELEM_I_FILE_SLOT_HEAD || !telem_i_file_zone_row(r, newest, 0, end, &row)));
    return newest;
}

/* The oldest generation of the zone. 0: none. */
static uint32_t telem_i_file_zone_oldest(telem_file_reader *r) {
    telem_i_file_rzone *z = r->zone;
    uint32_t i, g, committed, newest = telem_i_file_zone_newest(r), oldest = 0;
    for (i = 0; i < z->slots; i++)
        if (telem_i_file_zone_head(r, i, &g, &committed) && g && g % z->slots == i && g <= newest && newest - g < z->slots && (oldest == 0 || g < oldest)) oldest = g;
    return oldest;
}

/* The generation behind g: the next one, or, when no more comes (z->scan), the next that holds. 0: none. */
static uint32_t telem_i_file_zone_after(telem_file_reader *r, uint32_t g) {
    telem_i_file_rzone *z = r->zone;
    uint32_t i, at, committed, newest, next = 0;
    if (telem_i_file_zone_head(r, (g + 1u) % z->slots, &at, &committed) && at == g + 1u) return at;
    if (!z->scan && (++z->idle & 15u)) return 0;
    newest = telem_i_file_zone_newest(r);
    if (!z->scan && newest <= g + 1u) return 0; /* generations begin in their order: a later one says that g + 1 is not to be had */
    for (i = 0; i < z->slots; i++)
        if (telem_i_file_zone_head(r, i, &at, &committed) && at % z->slots == i && at <= newest && newest - at < z->slots && at > g && (next == 0 || at < next)) next = at;
    return next;
}

/* n bytes of generation g at `pos` of its slot, in the buffer; up to `end` are read ahead. */
static const uint8_t *telem_i_file_zone_bytes_at(telem_file_reader *r, uint32_t g, uint32_t pos, uint32_t n, uint32_t end) {
    telem_i_file_rzone *z = r->zone;
    uint32_t want = end - pos < z->buf_size ? end - pos : z->buf_size;
    if (z->buf_generation == g && pos >= z->buf_at && pos - z->buf_at <= z->buf_have && n <= z->buf_have - (pos - z->buf_at)) return z->buf + (pos - z->buf_at);
    z->buf_generation = 0;
    if (n > want || !telem_i_file_zone_get(r, telem_i_file_zone_place(z, g, pos), z->buf, want)) return NULL;
    z->buf_generation = g;
    z->buf_at = pos;
    z->buf_have = want;
    return z->buf;
}

/* The row at `pos` of generation g, of which `end` bytes are committed. 0: none that holds. */
static int telem_i_file_zone_row(telem_file_reader *r, uint32_t g, uint32_t pos, uint32_t end, telem_i_file_jrow *row) {
    telem_i_file_rzone *z = r->zone;
    const uint8_t *p;
    uint32_t n, check, back = 0;
    if (end - pos < TELEM_I_FILE_JROW + 8u || !(p = telem_i_file_zone_bytes_at(r, g, pos, TELEM_I_FILE_JROW + 8u, end))) return 0;
    row->number = telem_get64(p);
    row->time = telem_i_signed(telem_get64(p + 8));
    row->stream = telem_get32(p + 16);
    n = telem_get32(p + 20);
    if (n == TELEM_I_FILE_JREPEAT) {
        n = 4;
        back = telem_get32(p + TELEM_I_FILE_JROW);
        if (back < 8 || back > pos) return 0;
    }
    if (n > r->session.max_row) return 0;
    row->bytes = telem_i_file_jrow_bytes(n);
    if (row->bytes > end - pos || !(p = telem_i_file_zone_bytes_at(r, g, pos, row->bytes, end))) return 0;
    check = TELEM_I_FILE_JROW + ((n + 3u) & ~3u);
    if (telem_get32(p + check) != telem_i_xxh32(p, check, r->framing.seed ^ g ^ z->opening[g % z->slots])) return 0;
    row->n = n;
    row->data = p + TELEM_I_FILE_JROW;
    if (!back) return 1;
    if (z->kept_generation != g || z->kept_at != pos - back) {
        telem_i_file_jrow whole;
        uint32_t from = pos - back;
        z->kept_generation = 0;
        p = telem_i_file_zone_bytes_at(r, g, from, TELEM_I_FILE_JROW, end);
        if (!p || telem_get32(p + 20) == TELEM_I_FILE_JREPEAT || !telem_i_file_zone_row(r, g, from, end, &whole)) return 0; /* no deeper than this */
        memcpy(z->kept, whole.data, whole.n);
        z->kept_generation = g;
        z->kept_at = from;
        z->kept_n = whole.n;
        z->kept_stream = whole.stream;
    }
    row->n = z->kept_n;
    row->data = z->kept;
    return z->kept_stream == row->stream;
}

/* The row at (*g, *pos), over slots that end there. TELEM_OK; TELEM_END: none yet; TELEM_AGAIN: that slot was
   taken for another generation, so its rows are in blocks; TELEM_ERR_CORRUPT: damage at *pos up to *end. */
static telem_result telem_i_file_zone_peek(telem_file_reader *r, uint32_t *g, uint32_t *pos, uint32_t *end, telem_i_file_jrow *row) {
    telem_i_file_rzone *z = r->zone;
    uint32_t got, next, committed, tries = 0;
    for (;;) {
        if (!telem_i_file_zone_head(r, *g % z->slots, &got, &committed)) return TELEM_END;
        if (got > *g) return TELEM_AGAIN;
        if (got != *g) { /* its head is damaged; told once a later one is there */
            *end = UINT32_MAX;
            return telem_i_file_zone_after(r, *g) ? TELEM_ERR_CORRUPT : TELEM_END;
        }
        *end = committed;
        if (committed > z->slot_bytes - TELEM_I_FILE_SLOT_HEAD || committed % 8) {
            if (tries++ < 3) continue;
            return TELEM_ERR_CORRUPT;
        }
        if (*pos < committed) {
            if (telem_i_file_zone_row(r, *g, *pos, committed, row)) return TELEM_OK;
            z->buf_generation = 0; /* read once more, with the slot's head before it */
            if (tries++ < 3) continue;
            return TELEM_ERR_CORRUPT;
        }
        if ((next = telem_i_file_zone_after(r, *g)) == 0) return TELEM_END;
        if (!telem_i_file_zone_head(r, *g % z->slots, &got, &committed)) return TELEM_END;
        if (got == *g && committed > *pos) continue; /* it grew before the next one began */
        if (got != *g) return TELEM_AGAIN;
        *g = next;
        *pos = 0;
    }
}

/* The number from which rows of a stream are new. */
static uint64_t telem_i_file_new_from(const telem_i_file_rstream *s) { return s->seen_row > s->next_row ? s->seen_row : s->next_row; }

/* Fills a ROW item; 0: the row is not one of the stream's. */
static int telem_i_file_zone_item(telem_file_reader *r, telem_i_file_rstream *s, const telem_i_file_jrow *row, uint32_t g, uint32_t pos, telem_file_item *item) {
    telem_i_file_rzone *z = r->zone;
    if (row->n != s->pub.row_size) return 0;
    memset(item, 0, sizeof *item);
    item->kind = TELEM_ITEM_ROW;
    item->journal = 1;
    item->offset = z->at + telem_i_file_zone_place(z, g, pos);
    item->stream = &s->pub;
    item->row = row->number;
    item->time = row->time;
    item->data = telem_i_file_present_row(s, row->data);
    return 1;
}

/* The rest of the slot at hand is damage. */
static void telem_i_file_zone_broken(telem_file_reader *r, uint32_t end) {
    telem_i_file_rzone *z = r->zone;
    uint32_t most = z->slot_bytes - TELEM_I_FILE_SLOT_HEAD;
    if (end > most || end < z->pos) end = most;
    if (!z->bad) telem_i_file_zone_damage(r, TELEM_ERR_CORRUPT, telem_i_file_zone_place(z, z->generation, z->pos), end - z->pos,
                             "rows of the journal zone do not hold");
    z->bad = 1;
}

/* Behind a damaged slot: the next one, once it is there. */
static int telem_i_file_zone_pass(telem_file_reader *r) {
    telem_i_file_rzone *z = r->zone;
    uint32_t g = telem_i_file_zone_after(r, z->generation);
    if (g == 0) return 0;
    z->generation = g;
    z->pos = 0;
    z->bad = 0;
    return 1;
}

/* Back to the blocks, which have what is looked for. */
static telem_result telem_i_file_zone_back(telem_i_file_rzone *z) {
    z->first = 0;
    if (++z->rounds <= 64) return TELEM_AGAIN;
    z->rounds = 0; /* so fast is no writer: another time */
    return TELEM_END;
}

/* The row at hand needs what comes before it. 0: the blocks have been read since it was met, in vain. */
static int telem_i_file_zone_wants(telem_i_file_rzone *z, uint64_t from) {
    if (z->again && z->again_generation == z->generation && z->again_pos == z->pos && z->again_from == from) return 0;
    z->again = 1;
    z->again_generation = z->generation;
    z->again_pos = z->pos;
    z->again_from = from;
    return 1;
}

/* The next row of the zone that is new. TELEM_OK: *item, or something is queued; TELEM_END; TELEM_AGAIN: the
   blocks first. */
static telem_result telem_i_file_zone_next(telem_file_reader *r, telem_file_item *item) {
    telem_i_file_rzone *z = r->zone;
    telem_i_file_rstream *s;
    telem_i_file_jrow row;
    uint64_t from;
    uint32_t end = 0, was;
    telem_result e;
    if (!telem_i_file_zone_used(r)) return r->queued ? TELEM_OK : TELEM_END;
    if (z->generation == 0) {
        z->generation = telem_i_file_zone_oldest(r);
        z->pos = z->bad = 0;
        if (z->generation == 0) return TELEM_END;
    }
    for (;;) {
        if (z->bad && !telem_i_file_zone_pass(r)) return TELEM_END;
        was = z->generation;
        e = telem_i_file_zone_peek(r, &z->generation, &z->pos, &end, &row);
        if (z->generation != was) z->first = 0; /* blocks have their turn once in a slot */
        if (e == TELEM_END) return e;
        if (e == TELEM_AGAIN) {
            z->generation = 0;
            return telem_i_file_zone_back(z);
        }
        if (e == TELEM_OK) {
            s = telem_i_file_rfind(r, row.stream);
            if ((!s || !s->known) && telem_i_file_zone_wants(z, 0)) return telem_i_file_zone_back(z);
            if (!s || !s->known || row.n != s->pub.row_size) {
                if (!z->strange) telem_i_file_zone_damage(r, TELEM_ERR_CORRUPT, telem_i_file_zone_place(z, z->generation, z->pos), row.bytes, "rows of the journal zone whose schema was not read");
                z->strange = 1;
                z->pos += row.bytes;
                if (r->queued) return TELEM_OK;
                continue;
            }
        }
        if (e != TELEM_OK) {
            telem_i_file_zone_broken(r, end);
            return TELEM_OK;
        }
        from = telem_i_file_new_from(s);
        if (s->anywhere && s->seen_row == 0) from = row.number;
        if (row.number > from) {
            if (telem_i_file_zone_wants(z, from)) return telem_i_file_zone_back(z);
            (void)telem_i_file_missing(r, s, from, row.number - from, 0, TELEM_ERR_CORRUPT, z->at, "rows are missing before those of the journal zone");
            s->seen_row = row.number;
            return TELEM_OK;
        }
        if (row.number == UINT64_MAX || row.number < from) {
            z->pos += row.bytes;
            continue;
        }
        (void)telem_i_file_zone_item(r, s, &row, z->generation, z->pos, item);
        z->pos += row.bytes;
        z->again = 0;
        z->rounds = 0;
        z->first = 1;
        s->seen_row = row.number + 1u;
        s->pub.rows++;
        return TELEM_OK;
    }
}

/* A MISSING item about to be told: rows of it that are still in the zone come instead. 1: they are looked for. */
static int telem_i_file_zone_mends(telem_file_reader *r, const telem_file_item *item) {
    telem_i_file_rzone *z = r->zone;
    if (!z || item->at_least || z->gap || !((const telem_i_file_rstream *)(const void *)item->stream)->known || !telem_i_file_seekable(r) || !telem_i_file_zone_used(r)) return 0;
    z->gap_generation = telem_i_file_zone_oldest(r);
    if (z->gap_generation == 0) return 0;
    z->gap = (telem_i_file_rstream *)(void *)item->stream;
    z->gap_row = item->row;
    z->gap_end = item->row + item->count;
    z->gap_pos = 0;
    z->gap_item = *item;
    return 1;
}

/* The next item of such a gap: a row, or what is missing before it. 0: the gap is done. */
static int telem_i_file_zone_mend(telem_file_reader *r, telem_file_item *item) {
    telem_i_file_rzone *z = r->zone;
    telem_i_file_rstream *s = z->gap;
    telem_i_file_jrow row;
    uint32_t end, g;
    uint8_t scan = z->scan;
    z->scan = 1;
    while (z->gap_row < z->gap_end) {
        telem_result e = telem_i_file_zone_peek(r, &z->gap_generation, &z->gap_pos, &end, &row);
        if (e == TELEM_ERR_CORRUPT || e == TELEM_AGAIN) { /* the next slot may have more */
            if ((g = telem_i_file_zone_after(r, z->gap_generation)) == 0) break;
            z->gap_generation = g;
            z->gap_pos = 0;
            continue;
        }
        if (e != TELEM_OK) break;
        if (row.stream != s->pub.id || row.number < z->gap_row || row.n != s->pub.row_size) {
            z->gap_pos += row.bytes;
            continue;
        }
        if (row.number >= z->gap_end) break;
        if (row.number > z->gap_row) { /* told, and the row is met again */
            *item = z->gap_item;
            item->row = z->gap_row;
            item->count = row.number - z->gap_row;
            z->gap_row = row.number;
            z->scan = scan;
            return 1;
        }
        (void)telem_i_file_zone_item(r, s, &row, z->gap_generation, z->gap_pos, item);
        z->gap_pos += row.bytes;
        z->gap_row++;
        s->pub.rows++;
        if (s->pub.lost) s->pub.lost--;
        z->scan = scan;
        return 1;
    }
    z->scan = scan;
    z->gap = NULL;
    if (z->gap_row >= z->gap_end) return 0;
    *item = z->gap_item;
    item->row = z->gap_row;
    item->count = z->gap_end - z->gap_row;
    return 1;
}

/* The zone behind a session's header at `at`. */
static void telem_i_file_zone_begin(telem_file_reader *r, uint64_t at, uint64_t bytes) {
    telem_i_file_rzone *z;
    uint64_t row = telem_i_file_align8(r->session.max_row) + 64u, size = row > TELEM_I_FILE_ZONE_CHUNK ? row : TELEM_I_FILE_ZONE_CHUNK;
    int64_t there = telem_i_file_seekable(r) ? telem_i_file_stream_size(r) : -1;
    if (!telem_i_file_seekable(r)) { /* a pipe: it goes by before its rows can be known as new */
        uint8_t *h = telem_i_file_fill(r, (size_t)(at - telem_i_file_where(r)) + 64u) == TELEM_OK ? telem_i_file_here(r) + (at - telem_i_file_where(r)) : NULL;
        if (!h || telem_get32(h + 24)) telem_i_file_damage(r, TELEM_ERR_UNSUPPORTED, at, bytes, "a journal zone in use: a pipe goes past its rows");
        return;
    }
    if (there >= 0 && (uint64_t)there < at + bytes) { /* cut: no block can stand behind it */
        telem_i_file_damage(r, TELEM_ERR_TRUNCATED, at, (uint64_t)there > at ? (uint64_t)there - at : 0, "the stream ends inside its journal zone");
        return;
    }
    z = (telem_i_file_rzone *)telem_i_file_take(&r->arena, sizeof *z);
    if (z && size <= r->arena.size) {
        z->buf_size = (uint32_t)size;
        z->buf = (uint8_t *)telem_i_file_take(&r->arena, (size_t)size);
        z->kept = (uint8_t *)telem_i_file_take(&r->arena, (size_t)row);
    }
    if (!z || !z->buf || !z->kept) {
        telem_i_file_damage(r, TELEM_ERR_MEMORY, at, bytes, "the reader's memory is too small for rows of the journal zone");
        return;
    }
    z->at = at;
    z->bytes = bytes;
    if (r->desc.map && at <= r->desc.map_size && bytes <= r->desc.map_size - at && (((uintptr_t)r->desc.map + (uintptr_t)at) & 3u) == 0) z->base = (const uint8_t *)r->desc.map + at;
    else if (r->desc.map) return;
    r->zone = z;
    (void)telem_i_file_zone_used(r); /* a header that is no good is told first */
}

/* Reading starts over. */
static void telem_i_file_zone_restart(telem_file_reader *r) {
    telem_i_file_rzone *z = r->zone;
    telem_i_file_rstream *s;
    for (s = r->streams; s; s = s->next) s->seen_row = 0;
    if (!z) return;
    z->generation = z->pos = z->buf_generation = z->kept_generation = z->rounds = 0;
    z->again = z->first = z->drained = z->bad = z->leaving = z->strange = 0;
    z->gap = NULL;
}

TELEM_API int telem_file_reader_journal(telem_file_reader *r) {
    uint32_t queued;
    int used;
    if (!r || !r->zone) return 0;
    queued = r->queued;
    used = telem_i_file_zone_used(r);
    if (r->zone->dead) r->zone->dead = 0; /* told where it is met */
    r->queued = queued;
    if (!used || !r->zone->slots) return 1;
    if (r->zone->base) used = TELEM_LOAD32_ACQUIRE((const telem_atomic32 *)(const void *)(r->zone->base + 24)) != 0;
    else {
        uint8_t b[4];
        used = telem_i_file_zone_get(r, 24, b, 4) && telem_get32(b) != 0;
    }
    return used ? 2 : 1;
}

TELEM_API telem_result telem_file_reader_map_zone(telem_file_reader *r) {
    telem_i_file_rzone *z = r ? r->zone : NULL;
    if (!z || !r->desc.io || !r->desc.io->map || !r->desc.io->unmap) return TELEM_ERR_UNSUPPORTED;
    if (z->base) return TELEM_ERR_STATE;
    if (z->at + z->bytes > SIZE_MAX / 2u || telem_i_file_stream_size(r) < (int64_t)(z->at + z->bytes)) return TELEM_ERR_UNSUPPORTED;
    z->mapped = (size_t)(z->at + z->bytes);
    z->mapping = r->desc.io->map(r->desc.io->user, 0, z->mapped, 0);
    if (!z->mapping) return TELEM_ERR_UNSUPPORTED;
    z->base = (const uint8_t *)z->mapping + z->at;
    z->buf_generation = 0;
    return TELEM_OK;
}

TELEM_API void telem_file_reader_unmap_zone(telem_file_reader *r) {
    telem_i_file_rzone *z = r ? r->zone : NULL;
    if (!z || !z->mapping) return;
    (void)r->desc.io->unmap(r->desc.io->user, z->mapping, z->mapped);
    z->mapping = NULL;
    z->base = NULL;
}

TELEM_API int telem_file_reader_ready(const telem_file_reader *r) {
    const telem_i_file_rzone *z = r ? r->zone : NULL;
    const telem_atomic32 *p;
    if (!z || !z->base) return -1;
    if (!z->slots || z->generation == 0) return 1; /* not begun: telem_file_next looks */
    p = (const telem_atomic32 *)(const void *)(z->base + 64u + (uint64_t)(z->generation % z->slots) * z->slot_bytes);
    if (telem_i_file_le32(TELEM_LOAD32_ACQUIRE(p)) != z->pos || telem_i_file_le32(TELEM_LOAD32_ACQUIRE(p + 1)) != z->generation) return !z->bad;
    p = (const telem_atomic32 *)(const void *)(z->base + 64u + (uint64_t)((z->generation + 1u) % z->slots) * z->slot_bytes);
    return telem_i_file_le32(TELEM_LOAD32_ACQUIRE(p + 1)) == z->generation + 1u;
}
#else
TELEM_API int telem_file_reader_journal(telem_file_reader *r) {
    (void)r;
    return 0;
}
TELEM_API telem_result telem_file_reader_map_zone(telem_file_reader *r) {
    (void)r;
    return TELEM_ERR_UNSUPPORTED;
}
TELEM_API void telem_file_reader_unmap_zone(telem_file_reader *r) { (void)r; }
TELEM_API int telem_file_reader_ready(const telem_file_reader *r) {
    (void)r;
    return -1;
}
#endif

/* >>reader ------------------------------------------------------------------------------------- */

/* All state of a session is forgotten. */
static void telem_i_file_reader_reset(telem_file_reader *r) {
    telem_file_reader_unmap_zone(r);
    r->zone = NULL;
    r->arena.used = r->desc.map ? 0 : r->window_size;
    r->streams = r->last_stream = r->latest = r->tail = NULL;
    r->clocks = NULL;
    r->expanded = NULL;
    r->attach = NULL;
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
    if (!r->desc.map && (max_block > r->arena.size || r->arena.size - max_block < TELEM_I_FILE_MIN_WINDOW)) return TELEM_ERR_MEMORY;
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
    if (!r->desc.map) {
        r->window_size = telem_i_file_align8(s->max_block) + 4096u;
        if (r->window_size < r->have) r->window_size = telem_i_file_align8(r->have); /* what was read stays */
        if (r->window_size > r->arena.size) r->window_size = r->arena.size & ~(size_t)7u;
    }
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
#if defined(TELEM_FILE_NO_JOURNAL)
        int64_t end = telem_i_file_stream_size(r);
        uint64_t there = end < 0 || (uint64_t)end < at + size ? journal : (uint64_t)end - at - size;
        telem_i_file_damage(r, TELEM_ERR_UNSUPPORTED, at + size, there < journal ? there : journal, "a journal zone: this reader was built without it");
#else
        telem_i_file_zone_begin(r, at + size, journal);
#endif
        r->owed = journal;
    }
}

/* The first 100 bytes are equal, but for what only the header before a journal zone says. */
static int telem_i_file_same_header(const uint8_t *a, const uint8_t *b) {
    return memcmp(a, b, 10) == 0 && memcmp(a + 12, b + 12, 12) == 0 && memcmp(a + 28, b + 28, 60) == 0 && memcmp(a + 96, b + 96, 4) == 0;
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
        if (!telem_i_file_same_header(p, r->header)) {
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
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (r->has_session && r->zone && !r->zone->drained) { /* rows of the old session that are in no block */
        telem_i_file_bad_ends(r);
        r->zone->leaving = 1;
        return TELEM_OK;
    }
#endif
    telem_i_file_bad_ends(r);
    if (telem_i_file_cut_next(r)) return TELEM_OK; /* so are its attachments */
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
    if (r->has_session && telem_i_file_once_more(r)) return TELEM_OK;
    telem_i_file_bad_begins(r, TELEM_ERR_CORRUPT, "bytes that belong to no block");
    telem_i_file_skip_bad(r);
    return TELEM_OK;
}

/* The next row of the open block as an item; on a violation the rest of it is lost. */
static int telem_i_file_row_item(telem_file_reader *r, telem_file_item *item) {
    telem_i_file_rblock *b = &r->block;
    telem_i_file_rstream *s = b->stream;
    const uint8_t *row = s->prev;
    telem_result e = TELEM_OK;
    if (b->rows == 0) {
        b->stream = NULL;
        if (b->p == b->end) return 0;
        s->decodable = 0;
        telem_i_file_damage(r, TELEM_ERR_CORRUPT, b->offset, b->bytes, "bytes are left over behind a block's rows");
        return 0;
    }
#if !defined(TELEM_FILE_NO_COLUMNS)
    if (b->columns) row = telem_i_file_column_row(b);
    else
#endif
#if !defined(TELEM_FILE_NO_MINI)
    if (b->mini) telem_i_file_mini_row(b);
    else
#endif
    e = telem_i_file_decode_row(r);
    if (e != TELEM_OK) {
        b->stream = NULL;
        s->decodable = s->has_time = 0;
        telem_i_file_damage(r, e, b->offset, b->bytes, "a block's rows do not decode");
        (void)telem_i_file_missing(r, s, b->row, b->rows, 0, e, b->offset, "a block's rows do not decode");
        s->next_row = b->row + b->rows;
        return 0;
    }
    s->next_row = b->row;
    if (b->row <= s->seen_row) return 0; /* it came out of the journal zone */
    s->pub.rows++;
    memset(item, 0, sizeof *item);
    item->kind = TELEM_ITEM_ROW;
    item->offset = b->offset;
    item->stream = &s->pub;
    item->row = b->row - 1u;
    item->time = s->t;
    item->data = telem_i_file_present_row(s, row);
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
        telem_i_file_gap_to_end(r, s, r->tail_offset);
    } else if (doubtful && !s->anywhere) {
        (void)telem_i_file_missing(r, s, s->next_row, doubtful, 1, TELEM_ERR_CORRUPT, r->tail_offset, "rows lost whose numbers are not known");
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

/* Reads on in the blocks; where they end, in the journal zone. TELEM_OK: something was dealt with or queued, or
   *got: the item. */
static telem_result telem_i_file_read_on(telem_file_reader *r, telem_file_item *item, int *got) {
    telem_result e;
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_i_file_rzone *z = r->zone;
    uint8_t finish = r->finish;
    if (z) z->scan = (uint8_t)(finish || z->leaving);
    if (z && !z->drained && (z->first || z->leaving)) {
        e = telem_i_file_zone_next(r, item);
        *got = e == TELEM_OK && r->queued == 0;
        if (e == TELEM_OK) return e;
        if (e == TELEM_END && z->leaving) {
            z->drained = 1;
            return TELEM_OK;
        }
    }
    if (z && !z->drained) r->finish = 0; /* a block cut short is not given up before the zone was seen */
    e = telem_i_file_read_step(r);
    r->finish = finish;
    if (e != TELEM_END) return e;
    if (telem_i_file_seekable(r) && !r->desc.map && !finish && r->have > r->at) { /* a part of a block: who appends may write it anew */
        r->have = r->at;
        r->moved = 1;
    }
    if (!z || z->drained) return e;
    e = telem_i_file_zone_next(r, item);
    *got = e == TELEM_OK && r->queued == 0;
    if (e == TELEM_AGAIN) return TELEM_OK;
    if (e != TELEM_END || !finish) return e;
    z->drained = 1;
    return TELEM_OK;
#else
    (void)item;
    *got = 0;
    e = telem_i_file_read_step(r);
    return e;
#endif
}

TELEM_API telem_result telem_file_next(telem_file_reader *r, telem_file_item *item) {
    telem_result e;
    int got = 0;
    for (;;) {
#if !defined(TELEM_FILE_NO_JOURNAL)
        if (r->zone && r->zone->gap) {
            if (telem_i_file_zone_mend(r, item)) return TELEM_OK;
            continue;
        }
#endif
        if (r->taken < r->queued) {
            *item = r->queue[r->taken++];
#if !defined(TELEM_FILE_NO_JOURNAL)
            if (item->kind == TELEM_ITEM_MISSING && telem_i_file_zone_mends(r, item)) continue;
#endif
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
        } else if ((r->tail || r->tail_end) && !r->carries && telem_i_file_cut_next(r)) {
            continue;
        } else if (r->tail) {
            telem_i_file_tail_item(r);
        } else if (r->tail_end && r->streams == NULL) { /* an end block of a session without streams */
            r->tail_end = 0;
            r->ended = 1;
            (void)telem_i_file_push(r, TELEM_ITEM_END, r->tail_offset);
        } else {
            r->tail_end = 0;
            if (!r->window) return r->error.code; /* open was refused */
            e = telem_i_file_read_on(r, item, &got);
            if (e == TELEM_OK && got) return e;
            if (e == TELEM_OK) continue;
            if (e != TELEM_END || !r->finish) return e;
            if (r->has_bad) {
                telem_i_file_bad_ends(r);
            } else if (!r->ended && telem_i_file_has_doubts(r)) {
                r->tail = r->streams;
                r->tail_offset = telem_i_file_where(r);
            } else if (!telem_i_file_cut_last(r)) {
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
    if (!r) return TELEM_ERR_ARG;
    memset(r, 0, sizeof *r);
    if (!d || (!d->map && (!d->io || !d->io->read))) return telem_i_file_reader_fail(r, TELEM_ERR_ARG, 0, "desc has neither a map nor an io that reads");
    if (!d->memory || ((uintptr_t)d->memory & 7u)) return telem_i_file_reader_fail(r, TELEM_ERR_ARG, 0, "desc.memory is NULL or not 8-aligned");
    if (d->memory_size < TELEM_I_FILE_MIN_WINDOW + 1024u) return telem_i_file_reader_fail(r, TELEM_ERR_MEMORY, 0, "the reader's memory is below 9 KiB");
    r->desc = *d;
    r->arena.base = r->window = (uint8_t *)d->memory;
    r->arena.size = d->memory_size;
    r->window_size = TELEM_I_FILE_MIN_WINDOW;
    r->chunk = SIZE_MAX;
    if (d->map) { /* all of it is at hand */
        r->window = (uint8_t *)(uintptr_t)d->map; /* never written */
        r->window_size = SIZE_MAX / 2u;
        r->have = d->map_size;
    }
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
#if !defined(TELEM_FILE_NO_COLUMNS)
    /* The first header was damaged, and this is a repeat: what stands before it may be read after all. */
    if (r->start > 0 && r->session.profile == TELEM_FILE_DISK && telem_i_file_seekable(r)) {
        r->blocks_at = 0;
        return telem_i_file_rewind(r);
    }
#endif
    return TELEM_OK;
}

TELEM_API size_t telem_file_reader_bytes(const telem_file_writer_desc *d, const telem_file_stream_desc *streams, uint32_t count) {
    telem_file_writer_desc f = telem_i_file_writer_defaults(d);
    uint64_t size = 2u * telem_i_file_align8(f.max_block) + 8192u + TELEM_FILE_CLOCKS * (sizeof(telem_i_file_rclock) + 264u), most = 0;
    uint32_t i;
    for (i = 0; i < count; i++) {
        const telem_schema *schema = streams[i].schema;
        size += sizeof(telem_i_file_rstream) + 2u * telem_i_file_align8(telem_schema_row_size(schema)) + 1024u;
        size += 24u * (uint64_t)telem_schema_encode(schema, 0, NULL, 0); /* what it decodes to, at most */
#if !defined(TELEM_FILE_NO_MINI)
        if (f.coding == TELEM_FILE_MINI) {
            uint64_t rows = sizeof(struct telem_i_file_mrows) + 64u + f.block_rows * (8u + (uint64_t)telem_i_file_align8(telem_schema_row_size(schema)));
            size += ((uint64_t)telem_schema_columns(schema) + 1u) * sizeof(telem_i_file_mini_state) + 8u;
            if (rows > most) most = rows;
        }
#endif
#if !defined(TELEM_FILE_NO_COLUMNS)
        if (f.coding == TELEM_FILE_COLUMNS && telem_i_file_crows_bytes(&f, schema) > most) most = telem_i_file_crows_bytes(&f, schema);
#endif
    }
#if !defined(TELEM_FILE_NO_COLUMNS)
    size += sizeof(telem_i_file_rattach);
#endif
    size += most;
    if (d->journal) size += 4096u + 65536u + 2u * (uint64_t)f.max_row;
    return size > SIZE_MAX / 2u ? SIZE_MAX / 2u : (size_t)size;
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
#define TELEM_I_FILE_TAIL_END 4096u    /* and for an end block */
#define TELEM_I_FILE_SCHEMAS 16384u    /* while schemas are read, which lie together as a rule */
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
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_i_file_zone_restart(r);
#endif
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

/* Does another session begin at the position? */
static int telem_i_file_is_foreign(telem_file_reader *r) {
    const uint8_t *h;
    uint64_t at = telem_i_file_where(r);
    size_t n;
    if (telem_i_file_fill(r, TELEM_I_FILE_HEADER) != TELEM_OK || memcmp(telem_i_file_here(r), telem_i_file_magic, 8) != 0) return 0;
    h = telem_i_file_here(r);
    n = telem_get16(h + 10);
    if (n < TELEM_I_FILE_HEADER || n > 4096 || n % 8 || telem_get64(h + 16) == r->session.id) return 0;
    if (at > r->strange_at && at < r->strange_end) return 0; /* what looks so again and again: hashed bytes are 4 for each one passed, at most */
    if (telem_i_file_fill(r, n) != TELEM_OK) return 0;
    h = telem_i_file_here(r);
    if (telem_get32(h + n - 4u) == telem_i_xxh32(h, n - 4u, 0)) return 1;
    r->strange_at = at;
    r->strange_end = at + n / 4u;
    return 0;
}

/* Reads on to the next block header, over damage; TELEM_END at the end or at another session. */
static telem_result telem_i_file_next_header(telem_file_reader *r, telem_i_file_header *h) {
    for (;;) {
        telem_result e = telem_i_file_fill(r, 1);
        if (e != TELEM_OK) return e;
        e = telem_i_file_read_header(r, h);
        if (e == TELEM_OK && h->wrong) r->at += h->bare;
        else if (e == TELEM_OK) return e;
        else if (e == TELEM_END && r->finish) telem_i_file_skip_bad(r); /* no more comes: a damaged length, or the cut end */
        else if (e != TELEM_ERR_CORRUPT) return e;
        else if (telem_i_file_is_foreign(r)) return TELEM_END;
        else telem_i_file_skip_bad(r);
    }
}

/* Is a position behind the end? Some ios refuse to seek there. */
static int telem_i_file_is_behind(const telem_file_reader *r, uint64_t pos) {
    int64_t size = telem_i_file_stream_size(r);
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

#if defined(TELEM_FILE_NO_COLUMNS)
TELEM_API telem_result telem_file_next_attachment(telem_file_reader *r, uint64_t id, telem_file_item *item) {
    (void)r, (void)id, (void)item;
    return TELEM_ERR_UNSUPPORTED;
}
#else
/* Behind a block; its payload is not read where the io seeks. */
static telem_result telem_i_file_pass(telem_file_reader *r, const telem_i_file_header *h) {
    uint64_t next = h->offset + h->total, left = next - telem_i_file_where(r);
    if (left <= telem_i_file_left(r)) r->at += (size_t)left;
    else if (!telem_i_file_seekable(r)) return telem_i_file_skip(r, left);
    else return telem_i_file_is_behind(r, next) ? TELEM_END : telem_i_file_hop(r, next);
    return TELEM_OK;
}

/* May the block hold a piece of attachment `id`? Its first bytes tell, as far as they can be trusted. */
static int telem_i_file_is_piece(telem_file_reader *r, const telem_i_file_header *h, uint64_t id) {
    uint64_t its = 0;
    if (h->type != TELEM_BLOCK_ATTACHMENT) return 0;
    if (id == 0 || h->lz4) return 1;
    (void)telem_i_file_fill(r, h->size + (h->len < TELEM_VARINT_MAX ? (size_t)h->len : TELEM_VARINT_MAX));
    if (telem_i_file_left(r) <= h->size) return 1;
    return telem_varint_get(telem_i_file_here(r) + h->size, telem_i_file_left(r) - h->size, &its) < 0 || its == id;
}

/* On to the next piece. It goes into the queue. */
static telem_result telem_i_file_find_piece(telem_file_reader *r, uint64_t id) {
    telem_i_file_header h;
    telem_i_file_data none;
    telem_i_file_cursor c;
    telem_result e = r->owed ? telem_i_file_skip(r, r->owed) : TELEM_OK;
    memset(&none, 0, sizeof none);
    while (e == TELEM_OK && r->queued == 0) {
        e = telem_i_file_next_header(r, &h);
        if (e != TELEM_OK) return e == TELEM_END && r->finish && telem_i_file_cut_last(r) ? TELEM_OK : e;
        if (r->carries) r->ended = h.type == TELEM_BLOCK_END;
        else if (h.type == TELEM_BLOCK_END) (void)telem_i_file_cut_next(r);
        if (telem_i_file_is_piece(r, &h, id)) {
            if (telem_i_file_whole_block(r, &h, &c)) (void)telem_i_file_use_block(r, &h, &none);
            else if (telem_i_file_left(r) < h.total && !r->finish) return TELEM_END; /* it may become whole */
            else h.total = h.bare; /* bytes may be missing in it */
        }
        if (h.type != TELEM_BLOCK_END || r->queued == 0) e = telem_i_file_pass(r, &h);
    }
    return e;
}

TELEM_API telem_result telem_file_next_attachment(telem_file_reader *r, uint64_t id, telem_file_item *item) {
    telem_i_file_rstream *s;
    telem_result e = TELEM_OK;
    size_t chunk;
    if (!r || !item || !r->has_session) return TELEM_ERR_ARG;
    for (s = r->streams; s; s = s->next) { /* rows are passed over */
        s->has_key = s->decodable = s->has_time = 0;
        s->doubtful = 0;
        s->anywhere = 1;
    }
    r->block.stream = NULL;
    r->entries = NULL;
    r->tail = NULL;
    r->held = r->has_bad = r->seq_known = 0;
    chunk = r->chunk;
    if (telem_i_file_seekable(r)) r->chunk = TELEM_I_FILE_SMALL;
    for (;;) {
        while (r->taken < r->queued) {
            *item = r->queue[r->taken++];
            if (item->kind == TELEM_ITEM_ATTACHMENT && (id == 0 || item->attachment->id == id)) {
                r->chunk = chunk;
                return TELEM_OK;
            }
        }
        r->taken = r->queued = 0;
        if ((e = telem_i_file_find_piece(r, id)) != TELEM_OK) break;
    }
    r->chunk = chunk;
    return e;
}
#endif

#if !defined(TELEM_FILE_NO_COLUMNS)
/* Is anything wanting that the rows of a stream need? */
static int telem_i_file_lacks(const telem_file_reader *r, const telem_i_file_rstream *s) {
    return !s->known || (s->pub.clock_id && !telem_i_file_rclock_find(r, s->pub.clock_id));
}

/* Rows of a stream whose schema (or clock) was not read: it was damaged, and a repeat of it may lie ahead. Once
   for each stream, by block headers; then the reader stands where it stood. */
static void telem_i_file_seek_schema(telem_file_reader *r, uint32_t id) {
    telem_i_file_rstream *s = telem_i_file_rstream_get(r, id);
    telem_file_reader keep;
    telem_i_file_header h;
    telem_i_file_data none;
    telem_i_file_cursor c;
    uint64_t at = telem_i_file_where(r);
    size_t chunk = r->chunk;
    int known = s && s->known;
    const telem_i_file_rclock *clocks = r->clocks;
    if (!s || s->sought || !telem_i_file_lacks(r, s) || !telem_i_file_seekable(r) || r->session.profile == TELEM_FILE_WIRE) return;
    s->sought = 1;
    memset(&none, 0, sizeof none);
    keep.queued = r->queued;
    keep.taken = r->taken;
    keep.seq = r->seq;
    keep.seq_known = r->seq_known;
    keep.has_bad = r->has_bad;
    keep.bad = r->bad;
    keep.error = r->error;
    memcpy(keep.queue, r->queue, sizeof keep.queue);
    r->chunk = TELEM_I_FILE_SMALL;
    while (telem_i_file_lacks(r, s) && telem_i_file_next_header(r, &h) == TELEM_OK) {
        if (h.type == (s->known ? TELEM_BLOCK_CLOCK : TELEM_BLOCK_SCHEMA) && telem_i_file_whole_block(r, &h, &c)) {
            telem_i_file_cursor its = s->known ? c : h.fields;
            if (telem_i_file_take_varint(&its) == (s->known ? s->pub.clock_id : id)) (void)telem_i_file_use_block(r, &h, &none);
        }
        if (telem_i_file_pass(r, &h) != TELEM_OK) break;
    }
    r->chunk = chunk;
    (void)telem_i_file_hop(r, at);
    memcpy(r->queue, keep.queue, sizeof keep.queue);
    r->queued = keep.queued;
    r->taken = keep.taken;
    r->seq = keep.seq;
    r->seq_known = keep.seq_known;
    r->has_bad = keep.has_bad;
    r->bad = keep.bad;
    r->error = keep.error;
    if (!known && s->known) telem_i_file_push(r, TELEM_ITEM_STREAM, at)->stream = &s->pub;
    telem_i_file_gap_to_end(r, s, at);
    if (r->clocks != clocks) telem_i_file_push(r, TELEM_ITEM_CLOCK, at)->clock_id = s->pub.clock_id;
}
#endif

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
    s->scan_next = s->pub.end_row = d->first_row + d->rows;
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
    if (!telem_i_file_seekable(r)) return TELEM_ERR_UNSUPPORTED;
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

/* The end block, if it is the last thing in the io: its schema blocks are read. */
static void telem_i_file_visit_end(telem_file_reader *r, telem_i_file_header *h, const telem_i_file_data *d, telem_i_file_look *look) {
    (void)r, (void)d;
    look->key_pos = h->type == TELEM_BLOCK_END ? h->offset : 0;
}

/* Clocks stand before the streams that use them: those before the first row are read. */
static void telem_i_file_visit_first(telem_file_reader *r, telem_i_file_header *h, const telem_i_file_data *d, telem_i_file_look *look) {
    telem_i_file_cursor c;
    look->stop = (uint8_t)telem_i_file_is_data(h->type);
    look->key_pos = h->offset;
    if (h->type == TELEM_BLOCK_CLOCK && telem_i_file_whole_block(r, h, &c)) (void)telem_i_file_use_block(r, h, d);
}

static int telem_i_file_learn_stream(telem_file_reader *r, uint64_t pos, uint32_t id, uint64_t end_row, uint64_t first_rows) {
    telem_i_file_header h;
    telem_i_file_data none;
    telem_i_file_cursor c;
    telem_i_file_rstream *s;
    memset(&none, 0, sizeof none);
    if (telem_i_file_goto(r, pos) != TELEM_OK || telem_i_file_read_header(r, &h) != TELEM_OK || h.wrong) return 0;
    if (h.type != TELEM_BLOCK_SCHEMA || !telem_i_file_whole_block(r, &h, &c) || telem_i_file_use_block(r, &h, &none)) return 0;
    s = telem_i_file_rfind(r, id);
    if (!s || !s->known) return 0;
    s->pub.end_row = end_row;
    return pos < first_rows || telem_i_file_rclock_find(r, s->pub.clock_id) != NULL;
}

/* 0: there is no end block, or what it says does not hold. */
static int telem_i_file_learn_end(telem_file_reader *r) {
    int64_t size = telem_i_file_stream_size(r);
    uint64_t from = r->blocks_at, n, i, at;
    telem_i_file_look look;
    telem_i_file_header h;
    telem_i_file_cursor c, keep;
    uint8_t *copy;
    size_t len;
    memset(&look, 0, sizeof look);
    if (size > 0 && (uint64_t)size > from + TELEM_I_FILE_TAIL_END) from = (uint64_t)size - TELEM_I_FILE_TAIL_END;
    if (telem_i_file_walk(r, from, telem_i_file_visit_end, &look) != TELEM_OK || !look.key_pos) return 0;
    at = look.key_pos;
    if (telem_i_file_goto(r, at) != TELEM_OK || telem_i_file_read_header(r, &h) != TELEM_OK || h.wrong) return 0;
    if (h.type != TELEM_BLOCK_END || !telem_i_file_whole_block(r, &h, &c)) return 0;
    (void)telem_i_file_take_varint(&c);
    (void)telem_i_file_take_varint(&c);
    n = telem_i_file_take_limited(&c, r->session.max_streams);
    len = telem_i_file_cursor_left(&c);
    if (c.bad || n > len || len > r->arena.size - r->arena.used) return 0;
    copy = r->arena.base + r->arena.size - len; /* the window moves while schemas are read */
    memcpy(copy, c.p, len);
    r->arena.size -= len;
    keep = telem_i_file_cursor_at(copy, len);
    look.key_pos = 0;
    (void)telem_i_file_walk(r, r->blocks_at, telem_i_file_visit_first, &look);
    for (i = 0; i < n && !keep.bad; i++) {
        uint32_t id = (uint32_t)telem_i_file_take_limited(&keep, UINT32_MAX - 1u);
        uint64_t distance = telem_i_file_take_varint(&keep), end_row = telem_i_file_take_varint(&keep);
        if (keep.bad || distance == 0 || distance > at - r->blocks_at) break;
        if (!telem_i_file_learn_stream(r, at - distance, id, end_row, look.key_pos)) break;
    }
    r->arena.size += len;
    r->queued = r->taken = 0;
    return i == n;
}

/* All schemas of the session: seeking may land behind some. */
static telem_result telem_i_file_learn(telem_file_reader *r) {
    int64_t n;
    size_t chunk = r->chunk;
    if (r->learnt) return TELEM_OK;
    r->chunk = TELEM_I_FILE_SCHEMAS;
    r->learnt = (uint8_t)telem_i_file_learn_end(r);
    r->chunk = chunk;
    if (r->learnt) return TELEM_OK;
    n = telem_file_reader_scan(r, NULL, 0);
    return n < 0 ? (telem_result)n : TELEM_OK;
}

TELEM_API telem_result telem_file_reader_learn(telem_file_reader *r) {
    telem_result e;
    if (!r || !r->has_session) return TELEM_ERR_ARG;
    if (!telem_i_file_seekable(r)) return TELEM_ERR_UNSUPPORTED;
    e = telem_i_file_learn(r);
    return e != TELEM_OK ? e : telem_i_file_rewind(r);
}

static telem_result telem_i_file_locate(telem_file_reader *r, telem_i_file_look *look) {
    int64_t size = telem_i_file_stream_size(r);
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
    if (!telem_i_file_seekable(r)) return TELEM_ERR_UNSUPPORTED;
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

#if !defined(TELEM_FILE_NO_JOURNAL)
typedef struct telem_i_file_learner {
    telem_i_file_look look; /* first */
    telem_i_file_past *past;
} telem_i_file_learner;

/* What is known of a stream; NULL: of more streams than may be. */
static telem_i_file_known *telem_i_file_known_get(telem_i_file_past *p, uint32_t id) {
    telem_i_file_known *k = telem_i_file_known_find(p, id);
    if (k || p->known_count == p->known_cap) return k;
    k = &p->known[p->known_count++];
    memset(k, 0, sizeof *k);
    k->id = id;
    k->orphan = 1;
    return k;
}

static void telem_i_file_learn_schema(telem_file_reader *r, telem_i_file_past *p, const telem_i_file_header *h, uint32_t id) {
    const telem_i_file_rstream *s = telem_i_file_rfind(r, id);
    telem_i_file_known *k = s && s->known ? telem_i_file_known_get(p, id) : NULL;
    if (!k || !k->orphan) return;
    k->orphan = 0;
    k->clock_id = s->pub.clock_id;
    k->fingerprint = s->pub.fingerprint;
    k->name = telem_i_file_hash_pair(s->pub.name, telem_i_length(s->pub.name));
    k->start_row = s->pub.start_row;
    if (k->next_row < k->start_row) k->next_row = k->start_row;
    k->schema_pos = h->offset;
    p->announcement += h->total;
}

static void telem_i_file_learn_clocks(telem_file_reader *r, telem_i_file_past *p, const telem_i_file_header *h) {
    const telem_i_file_rclock *k;
    uint32_t i;
    for (k = r->clocks; k; k = k->next) {
        for (i = 0; i < p->clock_count && p->clocks[i].id != k->id; i++) {
        }
        if (i < p->clock_count || i == TELEM_FILE_CLOCKS) continue;
        p->clocks[i].id = k->id;
        p->clocks[i].hash = telem_i_file_clock_hash(&k->clock, k->name);
        p->clock_count++;
        p->announcement += h->total;
    }
}

static void telem_i_file_learn_loss(telem_file_reader *r, telem_i_file_past *p) {
    const telem_loss *l;
    uint32_t i;
    if (r->queued == 0 || r->queue[r->queued - 1u].kind != TELEM_ITEM_LOSS) return;
    l = &r->queue[r->queued - 1u].loss;
    for (i = 0; i < p->loss_count; i++)
        if (p->losses[i].hop == l->hop && p->losses[i].stream == l->stream) break;
    if (i == p->loss_cap) return;
    if (i == p->loss_count) p->loss_count++;
    p->losses[i].hop = l->hop;
    p->losses[i].stream = l->stream;
    if (l->total > p->losses[i].total) p->losses[i].total = l->total;
}

/* What a good end block says of rows, too, which no block gives: their numbers are not given again. */
static void telem_i_file_learn_end_rows(telem_i_file_past *p, telem_i_file_cursor c) {
    uint64_t n;
    (void)telem_i_file_take_varint(&c);
    (void)telem_i_file_take_varint(&c);
    for (n = telem_i_file_take_varint(&c); n && !c.bad; n--) {
        uint32_t id = (uint32_t)telem_i_file_take_limited(&c, UINT32_MAX - 1u);
        telem_i_file_known *k;
        uint64_t next;
        (void)telem_i_file_take_varint(&c);
        next = telem_i_file_take_varint(&c);
        k = c.bad ? NULL : telem_i_file_known_get(p, id);
        if (k && k->next_row < next) k->next_row = next;
    }
}

static void telem_i_file_learn_data(telem_i_file_past *p, const telem_i_file_data *d) {
    telem_i_file_known *k = telem_i_file_known_get(p, d->stream);
    int64_t min = d->has_times ? d->min : d->base_time, max = d->has_times ? d->max : d->base_time;
    uint32_t i;
    if (!k || !d->known) return;
    if (d->first_row + d->rows > k->next_row) k->next_row = d->first_row + d->rows;
    for (i = 0; i < TELEM_I_FILE_LEVELS; i++) {
        if (k->covered[i].rows == 0 || min < k->covered[i].min) k->covered[i].min = min;
        if (k->covered[i].rows == 0 || max > k->covered[i].max) k->covered[i].max = max;
        k->covered[i].rows += d->rows;
    }
}

/* As the writer would have noted it. */
static void telem_i_file_learn_index(telem_file_reader *r, telem_i_file_past *p, telem_i_file_header *h, const telem_i_file_data *d) {
    telem_i_file_windex *x = &p->index;
    telem_i_file_cursor c;
    uint32_t i, k;
    if (h->type != TELEM_BLOCK_INDEX) {
        telem_i_file_entry *e;
        if (x->count >= p->entry_cap) return;
        e = &p->entries[x->count++];
        memset(e, 0, sizeof *e);
        e->kind = (uint8_t)(h->type | (h->key ? TELEM_I_FILE_KEY : 0u) | (h->lz4 ? TELEM_I_FILE_LZ4 : 0u));
        e->pos = h->offset;
        if (!d->rows || !d->known) {
            if (d->rows) x->count--;
            return;
        }
        e->stream = d->stream;
        e->first_row = d->first_row;
        e->rows = d->rows;
        e->min = d->has_times ? d->min : d->base_time;
        e->max = d->has_times ? d->max : d->base_time;
        return;
    }
    if (!telem_i_file_whole_block(r, h, &c)) return;
    k = (uint32_t)telem_i_file_take_limited(&h->fields, 8) - 1u;
    if (k >= TELEM_I_FILE_LEVELS) return;
    x->last[k] = h->offset;
    x->below_count[k] = 0;
    if (k + 1u < TELEM_I_FILE_LEVELS && x->below_count[k + 1u] < TELEM_I_FILE_FAN) x->below[k + 1u][x->below_count[k + 1u]++] = h->offset;
    if (k == 0) x->count = 0;
    for (i = 0; i < p->known_count; i++) p->known[i].covered[k].rows = 0;
}

static void telem_i_file_visit_learn(telem_file_reader *r, telem_i_file_header *h, const telem_i_file_data *d, telem_i_file_look *look) {
    telem_i_file_past *p = ((telem_i_file_learner *)(void *)look)->past;
    telem_i_file_cursor c;
    uint64_t bare = h->offset + h->size + h->len + 4u;
    if (h->offset >= p->limit || h->offset + h->total > p->size) { /* cut; perhaps in its pad only */
        if (h->offset < p->limit && bare <= p->size) p->lacks = h->offset + h->total - p->size;
        look->stop = 1;
        return;
    }
    if (h->seq >= p->seq) p->seq = h->seq + 1u;
    p->end = h->offset + h->total;
    if (d->rows) telem_i_file_learn_data(p, d);
    else if ((h->type == TELEM_BLOCK_SCHEMA || h->type == TELEM_BLOCK_CLOCK || h->type == TELEM_BLOCK_LOSS || h->type == TELEM_BLOCK_END) && telem_i_file_whole_block(r, h, &c)) {
        telem_i_file_cursor fields = h->fields; /* a schema's: its stream */
        if (telem_i_file_use_block(r, h, d) == NULL) {
            if (h->type == TELEM_BLOCK_SCHEMA) telem_i_file_learn_schema(r, p, h, (uint32_t)telem_i_file_take_limited(&fields, UINT32_MAX));
            if (h->type == TELEM_BLOCK_CLOCK) telem_i_file_learn_clocks(r, p, h);
            if (h->type == TELEM_BLOCK_LOSS) telem_i_file_learn_loss(r, p);
            if (h->type == TELEM_BLOCK_END) telem_i_file_learn_end_rows(p, c);
        }
    }
    telem_i_file_learn_index(r, p, h, d);
}

/* A stream header that was repeated behind the last block stays where it is: a follower may have gone past it. */
static telem_result telem_i_file_learn_repeats(telem_file_reader *r, telem_i_file_past *p) {
    telem_result e = telem_i_file_goto(r, p->end);
    while (e == TELEM_OK && telem_i_file_fill(r, TELEM_I_FILE_HEADER) == TELEM_OK) {
        const uint8_t *h = telem_i_file_here(r);
        if (p->end + TELEM_I_FILE_HEADER > p->limit || memcmp(h, telem_i_file_magic, 8) != 0 || telem_get16(h + 10) != TELEM_I_FILE_HEADER ||
            telem_get32(h + TELEM_I_FILE_HEADER - 4) != telem_i_xxh32(h, TELEM_I_FILE_HEADER - 4, 0) || telem_get64(h + 16) != r->session.id) break;
        p->end += TELEM_I_FILE_HEADER;
        r->at += TELEM_I_FILE_HEADER;
    }
    return e == TELEM_END ? TELEM_OK : e;
}

/* Reads the file by its headers, up to `limit`. The reader takes the front of the memory, `past` its end. */
static telem_result telem_i_file_learn_file(const telem_file_writer_desc *f, telem_file_reader *r, telem_i_file_past **past, uint64_t limit, telem_error *error) {
    telem_file_reader_desc d;
    telem_i_file_learner l;
    telem_i_file_pool tail;
    telem_i_file_past *p;
    telem_result e;
    size_t keep = telem_i_file_past_bytes(f);
    memset(&d, 0, sizeof d);
    d.io = f->io;
    d.memory = f->memory;
    d.memory_size = (f->memory_size & ~(size_t)7u) - keep;
    tail.base = (uint8_t *)f->memory + d.memory_size;
    tail.size = keep;
    tail.used = 0;
    *past = p = (telem_i_file_past *)telem_i_file_take(&tail, sizeof *p);
    p->known_cap = f->max_streams;
    p->known = (telem_i_file_known *)telem_i_file_take(&tail, f->max_streams * telem_i_file_align8(sizeof *p->known));
    p->loss_cap = telem_i_file_loss_cells(f);
    p->losses = (telem_i_file_wloss *)telem_i_file_take(&tail, p->loss_cap * sizeof *p->losses);
    p->entry_cap = f->index_blocks;
    p->entries = (telem_i_file_entry *)telem_i_file_take(&tail, p->entry_cap * sizeof *p->entries);
    p->size = (uint64_t)f->io->size(f->io->user);
    p->limit = limit;
    e = f->io->seek(f->io->user, 0);
    if (e == TELEM_OK) e = telem_file_reader_open(r, &d);
    if (e != TELEM_OK) {
        *error = r->error;
        if (!error->what) error->what = "the file to append to cannot be read";
        return e;
    }
    error->what = "the file to append to does not begin with a stream header that holds"; /* or another session follows */
    if (r->start != 0 || r->session.profile != TELEM_FILE_DISK) return TELEM_ERR_UNSUPPORTED;
    memcpy(p->header, r->header, sizeof p->header);
    p->announcement = TELEM_I_FILE_HEADER;
    p->end = r->blocks_at;
    if (telem_get64(p->header + 88)) p->zone_at = r->blocks_at - telem_get64(p->header + 88);
    p->zone_bytes = telem_get64(p->header + 88);
    memset(&l, 0, sizeof l);
    l.past = p;
    r->queued = r->taken = 0;
    r->finish = 1; /* nobody else writes */
    e = telem_i_file_walk(r, r->blocks_at, telem_i_file_visit_learn, &l.look);
    if (e != TELEM_OK) return e;
    if (!l.look.stop && telem_i_file_is_foreign(r)) return TELEM_ERR_UNSUPPORTED;
    return telem_i_file_learn_repeats(r, p);
}

/* Notes a row that the zone has. Numbers that it skips are those of rows in a slot that is damaged or torn. */
static void telem_i_file_zone_note(telem_file_reader *r, telem_i_file_past *p, const telem_i_file_jrow *row) {
    telem_i_file_known *k = telem_i_file_known_find(p, row->stream);
    const telem_i_file_rstream *s = telem_i_file_rfind(r, row->stream);
    if (!k || !s || !s->known || s->pub.row_size != row->n || row->number == UINT64_MAX) return;
    if (row->number < k->zone_least) k->zone_least = row->number;
    if (row->number != k->zone_end) k->zone_solid = row->number;
    if (row->number >= k->zone_end) k->zone_end = row->number + 1u;
}

/* The zone's rows in their order, from (*g, *pos) on; slots that do not hold are passed over. 0: no more. */
static int telem_i_file_zone_walk(telem_file_reader *r, uint32_t *g, uint32_t *pos, telem_i_file_jrow *row) {
    uint32_t end;
    r->zone->scan = 1;
    while (*g) {
        telem_result e = telem_i_file_zone_peek(r, g, pos, &end, row);
        if (e == TELEM_END) return 0;
        if (e == TELEM_OK) {
            *pos += row->bytes;
            return 1;
        }
        *g = telem_i_file_zone_after(r, *g);
        *pos = 0;
    }
    return 0;
}

/* Which rows of each stream the zone has. */
static void telem_i_file_zone_range(telem_file_reader *r, telem_i_file_past *p) {
    telem_i_file_jrow row;
    uint32_t i, g = telem_i_file_zone_oldest(r), pos = 0;
    for (i = 0; i < p->known_count; i++) {
        p->known[i].zone_least = UINT64_MAX;
        p->known[i].zone_end = p->known[i].zone_solid = 0;
    }
    while (telem_i_file_zone_walk(r, &g, &pos, &row)) telem_i_file_zone_note(r, p, &row);
}

/* One more walk over the blocks, from the first one on. */
static telem_result telem_i_file_check_walk(telem_file_reader *r, telem_i_file_past *p, telem_i_file_visit visit) {
    telem_i_file_learner l;
    uint32_t i;
    for (i = 0; i < p->known_count; i++) {
        telem_i_file_known *k = &p->known[i];
        k->at_row = k->told = k->start_row;
        k->good_end = k->schema_pos;
        k->chain = 0;
    }
    memset(&l, 0, sizeof l);
    l.past = p;
    p->check_seq = 0;
    p->check_end = r->blocks_at;
    telem_i_file_streams_restart(r, 0);
    return telem_i_file_walk(r, r->blocks_at, visit, &l.look);
}

static int telem_i_file_zone_has(telem_file_reader *r, const telem_i_file_known *k, uint64_t from, uint64_t to) {
    telem_i_file_jrow row;
    uint32_t g = telem_i_file_zone_oldest(r), pos = 0;
    while (telem_i_file_zone_walk(r, &g, &pos, &row))
        if (row.stream == k->id && row.number >= from && row.number < to) return 1;
    return 0;
}

#define TELEM_I_FILE_SCANS 1000u /* of the zone */
/* How many walks over the zone a file may cost: some, and as many as read a few times what the file has. More wants
   only a file made to cost time: then what the zone has is taken to be in each gap. */
static uint32_t telem_i_file_scans(const telem_i_file_past *p) {
    uint64_t n = 32u + 4u * (p->size / (p->zone_bytes ? p->zone_bytes : 1u));
    return n < TELEM_I_FILE_SCANS ? (uint32_t)n : TELEM_I_FILE_SCANS;
}

/* Rows of a stream up to `to` are in no block that can be read, and readers do not look for them behind it: where
   the zone has one, its place is behind the last block that can. */
static void telem_i_file_check_gap(telem_file_reader *r, telem_i_file_past *p, const telem_i_file_known *k, uint64_t to) {
    if (k->at_row >= to || to <= k->zone_least || k->at_row >= k->zone_end || k->good_end >= p->bad || p->scans == 0) return;
    if (--p->scans == 0 || telem_i_file_zone_has(r, k, k->at_row, to)) p->bad = k->good_end;
}

/* What a reader gets of a data block: as telem_i_file_begin_rows and telem_i_file_lose_block. */
static void telem_i_file_check_rows(telem_file_reader *r, telem_i_file_past *p, telem_i_file_known *k, const telem_i_file_header *h,
                                    const telem_i_file_data *d, int whole) {
    int chain = k->chain && k->type == h->type && d->first_row == k->told;
    k->chain = 0;
    if (!d->known || d->first_row < k->told) return; /* a repeat */
    k->told = d->first_row + d->rows;
    if (!whole || !(h->key || chain)) return;
    telem_i_file_check_gap(r, p, k, d->first_row);
    k->at_row = k->told;
    k->good_end = h->offset + h->total;
    k->chain = 1;
    k->type = h->type;
}

/* From where on payloads are read: the KEY block of the first group that reaches rows which the zone has as well. */
static void telem_i_file_visit_reach(telem_file_reader *r, telem_i_file_header *h, const telem_i_file_data *d, telem_i_file_look *look) {
    telem_i_file_past *p = ((telem_i_file_learner *)(void *)look)->past;
    telem_i_file_known *k = d->rows ? telem_i_file_known_find(p, d->stream) : NULL;
    (void)r;
    if (!k) return;
    if (h->key) k->good_end = h->offset; /* where the group begins */
    if (d->known && d->first_row + d->rows <= k->zone_least) return;
    if (k->zone_end && k->good_end < p->check_from) p->check_from = k->good_end;
}

static void telem_i_file_visit_check(telem_file_reader *r, telem_i_file_header *h, const telem_i_file_data *d, telem_i_file_look *look) {
    telem_i_file_past *p = ((telem_i_file_learner *)(void *)look)->past;
    telem_i_file_cursor c;
    telem_i_file_known *k = d->rows ? telem_i_file_known_find(p, d->stream) : NULL;
    if (h->offset + h->total > p->size) look->stop = 1;
    if (look->stop || h->seq < p->check_seq) return; /* a repeat */
    p->check_seq = h->seq + 1u;
    if (k) telem_i_file_check_rows(r, p, k, h, d, h->offset < p->check_from || telem_i_file_whole_block(r, h, &c));
}

/* A good block behind the place: does nothing of it get lost when it is cut off? */
static int telem_i_file_comes_again(const telem_i_file_header *h, const telem_i_file_data *d, const telem_i_file_known *k) {
    if (h->type == TELEM_BLOCK_INDEX || h->type == TELEM_BLOCK_END) return 1;
    if (!d->rows || !k) return 0;
    return k->good_end != h->offset + h->total /* it cannot be read now */ || (d->first_row >= k->zone_solid && d->first_row + d->rows <= k->zone_end);
}

/* From behind a good block on: where the first one is missing or torn, and whether all behind it comes again. */
static void telem_i_file_visit_cut(telem_file_reader *r, telem_i_file_header *h, const telem_i_file_data *d, telem_i_file_look *look) {
    telem_i_file_past *p = ((telem_i_file_learner *)(void *)look)->past;
    telem_i_file_cursor c;
    telem_i_file_known *k = d->rows ? telem_i_file_known_find(p, d->stream) : NULL;
    int whole;
    if (h->offset + h->total > p->size) look->stop = 1;
    if (look->stop || h->seq < p->check_seq) return;
    whole = h->offset < p->check_from || telem_i_file_whole_block(r, h, &c);
    if (k) telem_i_file_check_rows(r, p, k, h, d, whole);
    if (h->offset >= p->bad && p->cut == UINT64_MAX) {
        if (h->seq > p->check_seq) p->cut = p->check_end;
        else if (!whole) p->cut = h->offset;
    }
    if (p->cut != UINT64_MAX && whole && !telem_i_file_comes_again(h, d, k)) p->keeps = 1;
    p->check_seq = h->seq + 1u;
    p->check_end = h->offset + h->total;
}

/* Does the zone have rows that belong before blocks that are there? Then p->cut is where the blocks end that stand;
   TELEM_ERR_CORRUPT when behind it something is good that would not come again. p->cut UINT64_MAX: nothing is to
   be cut off. So whatever could be read before append can be read behind it. */
static telem_result telem_i_file_where_to_cut(telem_file_reader *r, telem_i_file_past *p) {
    uint32_t i;
    telem_result e;
    p->cut = p->bad = p->check_from = UINT64_MAX;
    if (!r->zone || !telem_i_file_zone_used(r)) return TELEM_OK;
    telem_i_file_zone_range(r, p);
    p->keeps = 0;
    p->scans = telem_i_file_scans(p);
    e = telem_i_file_check_walk(r, p, telem_i_file_visit_reach);
    if (e == TELEM_OK) e = telem_i_file_check_walk(r, p, telem_i_file_visit_check);
    if (e != TELEM_OK) return e;
    for (i = 0; i < p->known_count; i++) telem_i_file_check_gap(r, p, &p->known[i], p->known[i].told);
    if (p->bad == UINT64_MAX) return TELEM_OK;
    p->scans = 0;
    if (p->check_from > p->bad) p->check_from = p->bad;
    e = telem_i_file_check_walk(r, p, telem_i_file_visit_cut);
    if (e != TELEM_OK) return e;
    return p->keeps || p->cut == UINT64_MAX ? TELEM_ERR_CORRUPT : TELEM_OK;
}

/* The file ends at p->end from now on. */
static telem_result telem_i_file_cut_off(const telem_file_writer_desc *f, const telem_i_file_past *p) {
    static const uint8_t zeros[64] = {0};
    telem_io *io = f->io;
    uint64_t n = p->size > p->end ? p->size - p->end : 0;
    telem_result r = TELEM_OK;
    if (n == 0) return TELEM_OK;
    if (io->truncate) return io->truncate(io->user, p->end);
    r = io->seek(io->user, p->end);
    for (; r == TELEM_OK && n > 0; n -= n < sizeof zeros ? n : sizeof zeros) r = telem_io_write_all(io, zeros, (size_t)(n < sizeof zeros ? n : sizeof zeros));
    return r;
}

/* The rows of one stream that only the zone has become blocks, behind p->end. */
static telem_result telem_i_file_recover_stream(telem_file_writer *w, telem_file_reader *r, telem_i_file_known *k, telem_i_file_wstream *s) {
    telem_i_file_jrow row;
    uint32_t g = telem_i_file_zone_oldest(r), pos = 0;
    telem_result e;
    while (w->error.code == TELEM_OK && telem_i_file_zone_walk(r, &g, &pos, &row)) {
        if (row.stream != k->id || row.number < s->next_row || row.n != s->row_size || row.number == UINT64_MAX) continue;
        e = w->desc.io->seek(w->desc.io->user, w->pos); /* the reader has moved it */
        if (e != TELEM_OK) return e;
        if (row.number > s->next_row) { /* rows between are lost */
            (void)telem_i_file_close_block(w, s);
            s->next_row = row.number;
            s->need_key = 1;
        }
        memcpy(s->row, row.data, row.n);
        s->ageless = 1;
        (void)telem_i_file_take_row(w, s, row.time);
    }
    if (w->error.code == TELEM_OK && w->desc.io->seek(w->desc.io->user, w->pos) != TELEM_OK) return TELEM_ERR_IO;
    (void)telem_i_file_close_block(w, s);
    return w->error.code;
}

/* A writer of rows alone does it, in what the reader leaves of the memory. */
static telem_result telem_i_file_recover(const telem_file_writer_desc *f, telem_file_reader *r, telem_i_file_past *p, telem_error *error) {
    telem_file_writer w;
    telem_i_file_rstream *rs;
    memset(&w, 0, sizeof w);
    w.desc = *f;
    w.desc.coding = TELEM_FILE_ROWS;
    w.desc.block_rows = 65536;
    w.desc.key_bytes = 1;
    w.desc.key_rows = 1; /* each block by itself */
    w.desc.max_block = telem_get32(p->header + 36);
    w.framing = r->framing;
    w.pos = p->end;
    w.seq = p->seq;
    w.repeats = 40; /* nothing but rows */
    w.open = w.headed = 1;
    for (rs = r->streams; rs && w.error.code == TELEM_OK; rs = rs->next) {
        telem_i_file_known *k = telem_i_file_known_find(p, rs->pub.id);
        telem_i_file_wstream *s;
        if (!k || !rs->known) continue;
        w.arena.base = r->arena.base + r->arena.used;
        w.arena.size = r->arena.size - r->arena.used;
        w.arena.used = 0;
        s = (telem_i_file_wstream *)telem_i_file_take(&w.arena, sizeof *s);
        if (s) {
            s->schema = rs->pub.schema;
            s->id = k->id;
            s->fingerprint = k->fingerprint;
            s->row_size = rs->pub.row_size;
            s->start_row = s->next_row = s->sealed_row = k->next_row;
            s->need_key = 1;
            s->repeats = 40;
            s->row = (uint8_t *)telem_i_file_take(&w.arena, s->row_size);
            s->prev = (uint8_t *)telem_i_file_take(&w.arena, s->row_size);
            s->capacity = (uint32_t)telem_i_file_worst_row(s->schema);
            if (s->capacity < 16384u) s->capacity = 16384u;
            if (s->capacity + 2u * TELEM_I_FILE_ROOM > w.desc.max_block) s->capacity = w.desc.max_block - 2u * TELEM_I_FILE_ROOM;
            s->out = (uint8_t *)telem_i_file_take(&w.arena, TELEM_I_FILE_ROOM + s->capacity + TELEM_I_FILE_SLACK);
        }
        error->what = "the memory is too small to recover rows of the journal zone";
        if (!s || !s->row || !s->prev || !s->out) return TELEM_ERR_MEMORY;
        s->out += TELEM_I_FILE_ROOM;
        telem_i_file_look_at_schema(s);
        if (telem_i_file_recover_stream(&w, r, k, s) != TELEM_OK) break;
    }
    if (w.error.code != TELEM_OK) *error = w.error;
    if (w.error.code == TELEM_OK && f->io->sync) return f->io->sync(f->io->user); /* before the zone is used again */
    return w.error.code;
}

/* Makes the file whole up to its end and reads what it says. */
static telem_result telem_i_file_mend_file(const telem_file_writer_desc *f, telem_file_reader *r, telem_i_file_past **past, telem_error *error) {
    static const uint8_t zeros[64] = {0};
    telem_i_file_past *p;
    telem_result e = telem_i_file_learn_file(f, r, past, UINT64_MAX, error);
    if (e != TELEM_OK) return e;
    p = *past;
    if (p->lacks) { /* a whole block without all of its pad */
        error->what = "the end of the file cannot be mended";
        e = f->io->seek(f->io->user, p->size);
        if (e == TELEM_OK) e = telem_io_write_all(f->io, zeros, (size_t)p->lacks);
        if (e == TELEM_OK) e = telem_i_file_learn_file(f, r, past, UINT64_MAX, error);
        if (e != TELEM_OK) return e;
        p = *past;
    }
    e = telem_i_file_where_to_cut(r, p);
    error->what = "blocks in the middle of the file are damaged whose rows the journal zone still has: it can be read, begin another one";
    error->offset = p->bad;
    if (e != TELEM_OK) return e;
    if (p->cut != UINT64_MAX) {
        uint64_t seq = p->seq; /* no number is given twice: a follower may have read what is cut off */
        error->what = "the file to append to cannot be read";
        e = telem_i_file_learn_file(f, r, past, p->cut, error);
        if (e != TELEM_OK) return e;
        p = *past;
        p->seq = seq;
    }
    error->what = "the end of the file cannot be cut off";
    e = telem_i_file_cut_off(f, p);
    if (e == TELEM_OK && p->size > p->end && f->io->sync) e = f->io->sync(f->io->user); /* what was cut off must not come back under new blocks */
    if (e == TELEM_OK && r->zone && telem_i_file_zone_used(r)) {
        e = telem_i_file_recover(f, r, p, error);
        if (e == TELEM_OK) e = telem_i_file_learn_file(f, r, past, UINT64_MAX, error);
    }
    return e;
}

#endif

#if !defined(TELEM_FILE_NO_COLUMNS)
#if defined(TELEM_I_FILE_FASTER)
#pragma GCC push_options
#pragma GCC optimize("O3")
#endif
/* >>columns-read -- many rows straight into the caller's arrays ---------------------------------------- */

/* A column of `number` in a block, looked for by its number in the schema. */
typedef struct telem_i_file_wanted {
    telem_column c;
    uint32_t element, number; /* number in the block; 0: left out (ALL_PRESENT) */
} telem_i_file_wanted;

/* A walk over the schema that goes on where the last one stopped: columns are asked for in order, as a rule. */
struct telem_i_file_finder {
    const telem_schema *schema; /* NULL: no walk has begun */
    telem_columns it;
    telem_column c;
    uint32_t left_out; /* presence columns before c */
};
typedef struct telem_i_file_finder telem_i_file_finder;

/* Where the schema's column number `index` stands in a block. 0: there is no such column. */
static int telem_i_file_want(telem_i_file_finder *f, const telem_schema *schema, uint32_t index, int all_present, telem_i_file_wanted *out) {
    if (f->schema != schema || index < f->c.index) {
        telem_columns_begin(&f->it, schema);
        f->left_out = 0;
        f->schema = NULL;
        if (!telem_columns_next(&f->it, &f->c)) return 0;
        f->schema = schema;
    }
    while (index >= f->c.index + f->c.count) {
        f->left_out += f->c.presence;
        if (!telem_columns_next(&f->it, &f->c)) {
            f->schema = NULL;
            return 0;
        }
    }
    out->c = f->c;
    out->element = index - f->c.index;
    out->number = f->c.presence && all_present ? 0 : 2u + index - (all_present ? f->left_out : 0u);
    return 1;
}

/* The presence column whose byte stands at `row` of the row form. */
static int telem_i_file_want_presence(const telem_schema *schema, uint32_t row, telem_i_file_wanted *out) {
    telem_columns it;
    telem_columns_begin(&it, schema);
    while (telem_columns_next(&it, &out->c))
        if (out->c.presence && out->c.row == row) {
            out->element = 0;
            out->number = 2u + out->c.index; /* not under ALL_PRESENT */
            return 1;
        }
    return 0;
}

/* The entry of a column: its section is taken when it was not yet. Sections come in order. */
static telem_result telem_i_file_entry_of(telem_i_file_cblock *b, telem_i_file_centry *e, uint32_t number, telem_i_file_centry *out) {
    uint32_t section = number / TELEM_I_FILE_SECTION * TELEM_I_FILE_SECTION;
    telem_i_file_chead h = b->h;
    while (h.taken < section) { /* indexed: the table tells how far to skip */
        uint64_t dir = telem_i_file_take_varint(&h.table), data = telem_i_file_take_varint(&h.table);
        (void)telem_i_file_take_bytes(&h.dir, dir);
        if (h.table.bad || h.dir.bad || data > h.size - h.at) return TELEM_ERR_CORRUPT;
        h.at += (size_t)data;
        h.taken += TELEM_I_FILE_SECTION;
    }
    if (!telem_i_file_take_section(&h, e)) return TELEM_ERR_CORRUPT;
    *out = e[number - section];
    if (out->chunk_end > b->h.size - b->h.data) return TELEM_ERR_CORRUPT;
    return TELEM_OK;
}

/* Rows of one block that go to one request. */
typedef struct telem_i_file_span {
    telem_i_file_cblock b;
    telem_i_file_centry *entries; /* all of them, or one section's */
    uint32_t *row_of;             /* which distinct row each of the rows [skip, skip + n) is; NULL: skip + i */
    telem_file_read *read;
    uint64_t to;                  /* index in the caller's arrays */
    uint32_t skip, n;             /* rows of the block that are wanted; n 0: only the state */
    uint32_t columns;
    uint8_t key, all, tail;       /* entries are of all columns; tail: the state behind the block is wanted */
} telem_i_file_span;

static telem_result telem_i_file_span_entry(telem_i_file_span *x, uint32_t number, telem_i_file_centry *e) {
    if (!x->all) return telem_i_file_entry_of(&x->b, x->entries, number, e);
    *e = x->entries[number];
    return TELEM_OK;
}

static uint32_t telem_i_file_span_row(const telem_i_file_span *x, uint32_t i) { return x->row_of ? x->row_of[i] : x->skip + i; }

/* The distinct values of a column of numbers: native, COUNTERs as they count. In *p; `room` may be the
   caller's own array. */
static telem_result telem_i_file_span_numbers(telem_file_reader *r, telem_i_file_span *x, const telem_i_file_wanted *want, uint8_t *room) {
    const telem_column *c = &want->c;
    telem_i_file_cblock *b = &x->b;
    uint8_t *old = b->s->prev + c->row + (size_t)want->element * c->width, first[8];
    int counter = telem_i_file_is_counter(c);
    telem_i_file_centry e;
    telem_result v = telem_i_file_span_entry(x, want->number, &e);
    uint32_t n = b->h.distinct;
    if (v != TELEM_OK) return v;
    if (counter) telem_i_file_store(first, c->width, telem_i_file_load(old, c->width) + 1u);
    v = telem_i_file_read_numbers(r, b, c, want->number, &e, counter ? first : old, room);
    if (v != TELEM_OK) return v;
    if (counter) telem_i_file_recount(b, room, c->width);
    telem_i_file_to_little(old, room + (size_t)(n - 1u) * c->width, c->width, 1); /* the state */
    if (counter && b->runs) telem_i_file_store(old, c->width, telem_i_file_load(old, c->width) + b->runs[n - 1u]);
    return TELEM_OK;
}

/* A COUNTER of a row that repeats stands higher than its distinct row by the rows between. */
static void telem_i_file_span_spread(const telem_i_file_span *x, const uint8_t *from, uint8_t *to, uint32_t width, int counter) {
    uint32_t i, k = 0;
    uint32_t last = UINT32_MAX, before = 0;
    for (i = 0; i < x->n; i++, to += width) {
        uint32_t row = telem_i_file_span_row(x, i);
        memcpy(to, from + (size_t)row * width, width);
        if (!counter || !x->row_of) continue;
        if (row != last) {
            if (i == 0)
                for (k = 0, before = 0; k < row; k++) before += 1u + x->b.runs[k];
            else
                for (k = last; k < row; k++) before += 1u + x->b.runs[k];
            last = row;
        }
        k = x->skip + i - before; /* how often it was repeated */
        if (k) {
            uint8_t v[8];
            telem_i_file_store(v, width, telem_i_file_native(to, width) + k);
            telem_i_file_to_native(v, width, 1);
            memcpy(to, v, width);
        }
    }
}

/* What is absent reads as zero. */
static telem_result telem_i_file_span_absent(telem_file_reader *r, telem_i_file_span *x, uint32_t guard, uint8_t *absent) {
    telem_i_file_wanted p;
    size_t mark = x->b.temp.used;
    uint8_t *room = telem_i_file_temp(&x->b, x->b.h.distinct + 64u);
    telem_result v;
    uint32_t i;
    if (!room) return TELEM_ERR_MEMORY;
    memset(absent, 0, x->n);
    while (guard != TELEM_NO_GUARD) {
        if (!telem_i_file_want_presence(x->b.s->pub.schema, guard, &p)) return TELEM_ERR_CORRUPT;
        v = telem_i_file_span_numbers(r, x, &p, room);
        if (v != TELEM_OK) return v;
        for (i = 0; i < x->n; i++) absent[i] = (uint8_t)(absent[i] | (room[telem_i_file_span_row(x, i)] == 0));
        guard = p.c.guard;
    }
    x->b.temp.used = mark;
    return TELEM_OK;
}

static void telem_i_file_physical(const telem_column *c, const uint8_t *from, uint8_t *to, uint32_t n) {
    uint32_t i;
    for (i = 0; i < n; i++, from += c->width, to += 8) {
        uint8_t little[8];
        double v;
        telem_i_file_to_little(little, from, c->width, 1);
        v = telem_i_raw_number(c, little);
        if (!c->presence && telem_i_converts(c->field)) v = telem_i_physical(c->field, v);
        memcpy(to, &v, 8);
    }
}

/* The place of the values from row x->skip on, where there is one. */
static telem_result telem_i_file_span_view(telem_file_reader *r, telem_i_file_span *x, const telem_i_file_wanted *want) {
    const telem_column *c = &want->c;
    telem_i_file_cblock *b = &x->b;
    telem_i_file_centry e;
    const uint8_t *p;
    telem_result v;
    if (want->number == 0 || telem_i_file_codes_text(c->type) || telem_i_file_is_counter(c) || b->runs || c->type == TELEM_BOOL) return TELEM_ERR_UNSUPPORTED;
    if ((c->guard != TELEM_NO_GUARD && !b->all_present) || (!TELEM_I_LITTLE_ENDIAN && c->width > 1)) return TELEM_ERR_UNSUPPORTED;
    v = telem_i_file_span_entry(x, want->number, &e);
    if (v != TELEM_OK) return v;
    if (!e.coded || (e.codec & ~TELEM_I_FILE_CODEC_BOUNDS) != TELEM_I_FILE_CODEC_RAW || telem_i_file_member_of(&b->h, want->number) >= 0) return TELEM_ERR_UNSUPPORTED;
    p = telem_i_file_entry_bytes(r, b, &e);
    if (!p || e.length != (uint64_t)b->h.distinct * c->width) return TELEM_ERR_CORRUPT;
    if ((uintptr_t)p % c->width) return TELEM_ERR_UNSUPPORTED;
    r->view->data = p + (size_t)x->skip * c->width;
    r->view->row = x->read->first;
    r->view->rows = b->h.distinct - x->skip;
    return TELEM_OK;
}

static telem_result telem_i_file_span_column(telem_file_reader *r, telem_i_file_span *x, const telem_i_file_wanted *want, telem_file_into *into) {
    const telem_column *c = &want->c;
    telem_i_file_cblock *b = &x->b;
    uint32_t n = b->h.distinct, i, w = c->width;
    uint8_t *out = (uint8_t *)into->data + (size_t)x->to * (into->physical ? 8u : w), *room = out, *absent = NULL;
    int whole = x->skip == 0 && x->n == n && !b->runs && !into->physical;
    telem_result v;
    if (want->number == 0) {
        if (into->physical) {
            double one = 1.0;
            for (i = 0; i < x->n; i++) memcpy(out + 8u * (size_t)i, &one, 8);
        } else {
            memset(out, 1, x->n);
        }
        return TELEM_OK;
    }
    if (c->guard != TELEM_NO_GUARD && !b->all_present) {
        absent = telem_i_file_temp(b, (uint64_t)x->n + 1u);
        if (!absent) return TELEM_ERR_MEMORY;
        v = telem_i_file_span_absent(r, x, c->guard, absent);
        if (v != TELEM_OK) return v;
    }
    if (!whole) room = telem_i_file_temp(b, (uint64_t)n * w + 64u);
    if (!room) return TELEM_ERR_MEMORY;
    v = telem_i_file_span_numbers(r, x, want, room);
    if (v != TELEM_OK) return v;
    if (!whole && into->physical) {
        uint8_t *wide = telem_i_file_temp(b, (uint64_t)x->n * w + 64u);
        if (!wide) return TELEM_ERR_MEMORY;
        telem_i_file_span_spread(x, room, wide, w, telem_i_file_is_counter(c));
        telem_i_file_physical(c, wide, out, x->n);
        w = 8;
    } else if (!whole) {
        telem_i_file_span_spread(x, room, out, w, telem_i_file_is_counter(c));
    }
    for (i = 0; absent && i < x->n; i++)
        if (absent[i]) memset(out + (size_t)i * w, 0, w);
    return TELEM_OK;
}

/* CHARS and BYTES: rows of their size; STRING and BLOB: offsets and bytes. */
/* `n` times the same bytes. */
static void telem_i_file_fill_text(uint8_t *out, const uint8_t *p, uint32_t len, uint32_t n) {
    size_t have = len, all = (size_t)len * n;
    if (all) memcpy(out, p, len);
    for (; have < all; have *= 2) memcpy(out + have, out, have < all - have ? have : all - have);
}

/* n rows, with room for as many of the longest string and 32 bytes more. */
static void telem_i_file_append_sure(const telem_i_file_texts *t, const uint32_t *from, uint32_t n, uint8_t *out, uint32_t *offsets) {
    const uint8_t *bytes = t->bytes;
    const uint32_t *start = t->at;
    uint32_t at = offsets[0], i, len = t->longest;
    if (t->shortest == len && len <= 16u) { /* all of one length */
        out += at;
        if (len == 1u)
            for (i = 0; i < n; i++) out[i] = bytes[from[i]];
        else
            for (i = 0; i < n; i++) telem_i_file_copy16(out + (size_t)i * len, bytes + (size_t)from[i] * len, 16);
        for (i = 1; i <= n; i++) offsets[i] = at + i * len;
        return;
    }
    if (len <= 16u) {
        for (i = 0; i < n; i++) {
            uint32_t k = from[i], p = start[k];
            telem_i_file_copy16(out + at, bytes + p, 16);
            at += start[k + 1u] - p;
            offsets[i + 1u] = at;
        }
        return;
    }
    for (i = 0; i < n; i++) {
        uint32_t k = from[i], p = start[k];
        len = start[k + 1u] - p;
        telem_i_file_copy32(out + at, bytes + p, len);
        at += len;
        offsets[i + 1u] = at;
    }
}

/* Rows of a text of variable length behind what the caller has; 0: no room. All rows are there, or absent[i] tells. */
static int telem_i_file_append_texts(const telem_i_file_span *x, const telem_i_file_texts *t, const uint8_t *absent, telem_file_into *into) {
    uint8_t *out = (uint8_t *)into->data;
    uint32_t *offsets = into->offsets + x->to, at = offsets[0], i, n = x->n, len;
    uint64_t room = into->data_size < UINT32_MAX ? into->data_size : UINT32_MAX;
    if (at > room) return 0;
    if (!absent && (t->one || (!t->from && !x->row_of))) { /* in one piece */
        uint32_t first = t->one ? 0 : x->skip, from = t->at[first];
        uint64_t all = t->one ? (uint64_t)t->at[1] * n : t->at[first + n] - from;
        if (all > room - at) return 0;
        if (t->one) telem_i_file_fill_text(out + at, t->bytes, t->at[1], n);
        else if (all) memcpy(out + at, t->bytes + from, (size_t)all);
        for (i = 1; i <= n; i++) offsets[i] = at + (t->one ? i * t->at[1] : t->at[first + i] - from);
        return 1;
    }
    for (i = 0; !absent && !x->row_of && t->from && n - i >= 16u && room - offsets[i] >= 32u; i += len) {
        uint64_t fit = (room - offsets[i] - 32u) / (t->longest ? t->longest : 1u); /* rows that surely find room */
        len = fit < n - i ? (uint32_t)fit : n - i;
        if (len < 16u) break;
        telem_i_file_append_sure(t, t->from + x->skip + i, len, out, offsets + i);
    }
    for (at = offsets[i]; i < n; i++) {
        uint32_t k = telem_i_file_text_of(t, telem_i_file_span_row(x, i));
        const uint8_t *p = t->bytes + t->at[k];
        len = absent && absent[i] ? 0 : telem_i_file_text_length(t, k);
        if (!t->one && room - at >= (uint64_t)len + 16u) telem_i_file_copy16(out + at, p, len);
        else if (len > room - at) return 0;
        else if (len) memcpy(out + at, p, len);
        at += len;
        offsets[i + 1u] = at;
    }
    return 1;
}

static telem_result telem_i_file_span_texts(telem_file_reader *r, telem_i_file_span *x, const telem_i_file_wanted *want, telem_file_into *into) {
    const telem_column *c = &want->c;
    telem_i_file_cblock *b = &x->b;
    uint8_t *old = b->s->prev + c->row + (size_t)want->element * c->width, *absent = NULL, *to;
    telem_i_file_centry e;
    telem_i_file_texts t;
    uint32_t i, k, len, variable = telem_i_file_codes_variable(c->type) ? 4u : 0u;
    telem_result v = telem_i_file_span_entry(x, want->number, &e);
    if (v == TELEM_OK && c->guard != TELEM_NO_GUARD && !b->all_present) {
        absent = telem_i_file_temp(b, (uint64_t)x->n + 1u);
        v = absent ? telem_i_file_span_absent(r, x, c->guard, absent) : TELEM_ERR_MEMORY;
    }
    if (v == TELEM_OK) v = telem_i_file_read_texts(r, b, c, want->number, &e, old, &t);
    if (v != TELEM_OK) return v;
    if (variable && x->n && !telem_i_file_append_texts(x, &t, absent, into)) return TELEM_ERR_LIMIT;
    for (i = 0; !variable && i < x->n; i++) {
        k = telem_i_file_text_of(&t, telem_i_file_span_row(x, i));
        len = absent && absent[i] ? 0 : telem_i_file_text_length(&t, k);
        to = (uint8_t *)into->data + (size_t)(x->to + i) * c->width;
        memcpy(to, t.bytes + t.at[k], len);
        memset(to + len, 0, c->width - len);
    }
    if (e.coded) { /* the state */
        k = telem_i_file_text_of(&t, b->h.distinct - 1u);
        len = telem_i_file_text_length(&t, k);
        memset(old, 0, c->width);
        if (variable) telem_put32(old, len);
        memcpy(old + variable, t.bytes + t.at[k], len);
    }
    return TELEM_OK;
}

/* Which distinct row each wanted row is. */
static telem_result telem_i_file_span_rows(telem_i_file_span *x) {
    uint32_t i, j, k, from = 0, *out;
    if (!x->b.runs || x->n == 0) return TELEM_OK;
    x->row_of = out = (uint32_t *)(void *)telem_i_file_temp(&x->b, 4u * (uint64_t)x->n);
    if (!out) return TELEM_ERR_MEMORY;
    for (k = 0; from + x->b.runs[k] < x->skip; k++) from += 1u + x->b.runs[k];
    for (i = 0; i < x->n; k++) {
        uint32_t end = from + 1u + x->b.runs[k] - x->skip; /* behind the rows of k that are wanted */
        if (end > x->n) end = x->n;
        if (x->n - i >= 4u) { /* a few at once: the next ones come over what is too much */
            for (j = 0; j < 4u; j++) out[i + j] = k;
            i += 4u;
        }
        for (; i < end; i++) out[i] = k;
        i = end;
        from += 1u + x->b.runs[k];
    }
    return TELEM_OK;
}

/* Times of the wanted rows. */
static void telem_i_file_span_times(telem_i_file_span *x, int64_t t, int64_t step) {
    telem_i_file_cblock *b = &x->b;
    int64_t *out = x->read->times + x->to;
    uint32_t i, j, row = 0, end = x->skip + x->n;
    uint64_t at, by = (uint64_t)step, before = (uint64_t)t;
    if (!b->runs) {
        if (x->n) memcpy(out, b->times + x->skip, (size_t)x->n * sizeof out[0]);
        return;
    }
    for (i = 0; i < b->h.distinct && row < end; i++) {
        uint32_t next = row + 1u + b->runs[i];
        at = (uint64_t)b->times[i];
        by = i == 0 && x->key ? 0 : at - before;
        before = at + by * b->runs[i];
        if (row >= x->skip && end - row >= 4u) { /* a few at once, as above */
            int64_t *to = out + (row - x->skip);
            for (j = 0; j < 4u; j++) to[j] = telem_i_signed(at + by * j);
            if (next - row > 4u) at += by * 4u, row += 4u;
            else row = next;
        }
        for (; row < next; row++, at += by)
            if (row >= x->skip && row < end) out[row - x->skip] = telem_i_signed(at);
    }
}

/* Rows that are not there have empty texts. */
static void telem_i_file_fill_offsets(telem_file_into *into, uint64_t to) {
    while (into->filled < to) {
        into->offsets[into->filled + 1u] = into->offsets[into->filled];
        into->filled++;
    }
}

/* One row's value of a column. */
static telem_result telem_i_file_row_into(telem_i_file_finder *f, const telem_schema *schema, const uint8_t *row, telem_file_into *into, uint64_t to) {
    telem_i_file_wanted want;
    const telem_column *c = &want.c;
    const uint8_t *p;
    uint8_t *out = (uint8_t *)into->data, v[8];
    (void)telem_i_file_want(f, schema, into->column, 0, &want);
    p = row + c->row + (size_t)want.element * c->width;
    if (into->offsets) {
        uint32_t len = telem_get32(p), at;
        telem_i_file_fill_offsets(into, to);
        at = into->offsets[to];
        if (at > into->data_size || len > into->data_size - at || len > UINT32_MAX - at) return TELEM_ERR_LIMIT;
        if (len) memcpy(out + at, p + 4, len);
        into->offsets[to + 1u] = at + len;
        into->filled = to + 1u;
    } else if (telem_i_file_codes_text(c->type)) {
        memcpy(out + to * c->width, p, c->width);
    } else if (into->physical) {
        memcpy(v, p, c->width);
        telem_i_file_to_native(v, c->width, 1);
        telem_i_file_physical(c, v, out + to * 8u, 1);
    } else {
        memcpy(out + to * c->width, p, c->width);
        telem_i_file_to_native(out + to * c->width, c->width, 1);
    }
    return TELEM_OK;
}

/* All that a request wants of a block whose head was taken. */
static telem_result telem_i_file_span_read(telem_file_reader *r, telem_i_file_span *x) {
    telem_i_file_cblock *b = &x->b;
    telem_i_file_centry e;
    telem_file_read *q = x->read;
    telem_result v = TELEM_OK, worst = TELEM_OK;
    int64_t t = b->s->t, step = b->s->step, *times = NULL;
    uint32_t i;
    size_t mark;
    if (b->h.distinct != b->rows && (v = telem_i_file_span_entry(x, 0, &e)) == TELEM_OK) v = telem_i_file_read_runs(r, b, &e);
    if (q->times && x->n == b->h.distinct && !b->runs) times = q->times + x->to; /* nothing to be cut or spread */
    if (v == TELEM_OK && q->times && (v = telem_i_file_span_entry(x, 1, &e)) == TELEM_OK) v = telem_i_file_read_times(r, b, &e, x->key, times);
    if (v == TELEM_OK) v = telem_i_file_span_rows(x);
    if (v != TELEM_OK) return v;
    if (q->times && x->n && !times) telem_i_file_span_times(x, t, step);
    for (i = 0; x->all && i < b->h.keys.count; i++)
        if (telem_i_file_key_rows(r, b, i) == TELEM_ERR_MEMORY) return TELEM_ERR_MEMORY;
    mark = b->temp.used;
    q->good = 1; /* from here on it is the columns' own affair */
    for (i = 0; i < q->count; i++) {
        telem_file_into *into = &q->columns[i];
        telem_i_file_wanted want;
        uint32_t k;
        b->temp.used = mark;
        for (k = 0; k < b->h.keys.count && !x->all; k++) b->idx[k] = NULL; /* they went with the column before */
        if (x->key) into->stale = 0;
        (void)telem_i_file_want(r->finder, b->s->pub.schema, into->column, b->all_present, &want); /* it was checked */
        if (into->offsets) telem_i_file_fill_offsets(into, x->to);
        if (r->view) v = x->n ? telem_i_file_span_view(r, x, &want) : TELEM_OK;
        else if (into->stale) v = into->result;
        else if (telem_i_file_codes_text(want.c.type)) v = telem_i_file_span_texts(r, x, &want, into);
        else v = telem_i_file_span_column(r, x, &want, into);
        if (v != TELEM_OK) { /* on to the next KEY block */
            into->stale = 1;
            into->lost += x->n;
            if (into->result == TELEM_OK) into->result = v;
            if (worst == TELEM_OK) worst = v;
        }
        if (into->offsets) {
            if (v == TELEM_OK) into->filled = x->to + x->n;
            telem_i_file_fill_offsets(into, x->to + x->n);
        }
    }
    return worst;
}

/* One block for one request. Its header is taken, the position is its first byte. */
static telem_result telem_i_file_read_span(telem_file_reader *r, telem_file_read *q, telem_i_file_header *h, const telem_i_file_data *d, int few) {
    telem_i_file_rstream *s = telem_i_file_rfind(r, d->stream);
    telem_i_file_span x;
    telem_i_file_cblock *b = &x.b;
    const uint8_t *p;
    uint64_t end = d->first_row + d->rows;
    size_t have = (size_t)h->len, head;
    telem_result v;
    int good;
    memset(&x, 0, sizeof x);
    x.read = q;
    x.key = h->key;
    b->temp = r->arena;
    b->s = s;
    b->rows = d->rows;
    b->all_present = (d->flags & TELEM_I_FILE_ALL_PRESENT) != 0;
    if (q->first < end && d->first_row < q->first + q->rows) {
        x.skip = q->first > d->first_row ? (uint32_t)(q->first - d->first_row) : 0;
        x.n = (uint32_t)((end < q->first + q->rows ? end : q->first + q->rows) - d->first_row) - x.skip;
        x.to = d->first_row + x.skip - q->first;
    }
    x.columns = 2u + s->columns - (b->all_present ? s->presences : 0u);
    if (h->key) {
        memset(s->prev, 0, s->pub.row_size);
        s->t = d->base_time;
        s->step = 0;
    }
    if (b->all_present) telem_i_file_set_presence(s->pub.schema, s->prev);
    x.all = 1;
    if (few && h->len >= TELEM_I_FILE_INDEXED_FROM) { /* perhaps the columns' own checks do */
        v = telem_i_file_fill(r, h->size + 32u);
        if (v != TELEM_OK) return v;
        head = telem_i_file_head_bytes(telem_i_file_here(r) + h->size, 32);
        if (head && head < h->len) {
            if (r->chunk < h->size + head) r->chunk = h->size + head + 64u; /* the next ones are as large, as a rule */
            v = telem_i_file_fill(r, h->size + head);
            if (v != TELEM_OK) return v;
            p = telem_i_file_here(r) + h->size;
            if (telem_get32(p + head - 4u) != telem_i_file_payload_hash(&r->framing, p, head - 4u, h->check)) return TELEM_ERR_CORRUPT;
            x.all = 0;
            have = head;
        }
    }
    if (x.all) {
        v = telem_i_file_fill(r, h->total);
        if (v != TELEM_OK) return v == TELEM_END ? TELEM_ERR_TRUNCATED : v;
        p = telem_i_file_here(r) + h->size;
        if (telem_get32(p + have) != telem_i_file_payload_hash(&r->framing, p, have, h->check)) return TELEM_ERR_CORRUPT;
        if (h->lz4) {
            telem_i_file_cursor c;
            if (telem_i_file_payload(r, h, &c)) return h->code;
            p = c.p;
            have = telem_i_file_cursor_left(&c);
            b->temp = r->arena;
        }
    }
    p = x.all && h->lz4 ? r->expanded : telem_i_file_here(r) + h->size;
    if (!x.all) { /* the window moves: the head is kept */
        uint8_t *copy = telem_i_file_temp(b, have);
        if (!copy) return TELEM_ERR_MEMORY;
        memcpy(copy, p, have);
        p = copy;
    }
    good = telem_i_file_take_head(&b->h, &r->framing, p, have, x.all ? have : (size_t)h->len, x.columns, d->rows);
    if (good <= 0) return good < 0 ? TELEM_ERR_UNSUPPORTED : TELEM_ERR_CORRUPT;
    x.entries = (telem_i_file_centry *)(void *)telem_i_file_temp(b, (uint64_t)((x.all ? x.columns : 0u) + TELEM_I_FILE_SECTION) * sizeof *x.entries);
    if (!x.entries || !telem_i_file_cblock_scratch(b, b->h.distinct)) return TELEM_ERR_MEMORY;
    if (x.all) {
        uint32_t i;
        for (i = 0; i < x.columns; i += TELEM_I_FILE_SECTION)
            if (!telem_i_file_take_section(&b->h, x.entries + i)) return TELEM_ERR_CORRUPT;
        if (!telem_i_file_end_head(&b->h, p)) return TELEM_ERR_CORRUPT;
        b->data = p + b->h.data;
    } else {
        if (b->h.form & TELEM_I_FILE_FORM_ALIGNED) b->h.data = telem_i_file_aligned(&r->framing, b->h.data);
        b->data_pos = h->offset + h->size + b->h.data;
    }
    v = telem_i_file_span_read(r, &x);
    if (!q->good) return v; /* not even the rows are known */
    q->got += x.n;
    if (x.n) q->next = x.to + x.n;
    return v;
}

/* A block in rows coding, row by row. */
static telem_result telem_i_file_read_row_span(telem_file_reader *r, telem_file_read *q, telem_i_file_header *h, const telem_i_file_data *d) {
    telem_i_file_rstream *s = telem_i_file_rfind(r, d->stream);
    telem_i_file_cursor c;
    telem_file_item item;
    telem_result v = TELEM_OK;
    if (telem_i_file_fill(r, h->total) != TELEM_OK || !telem_i_file_whole_block(r, h, &c)) return TELEM_ERR_CORRUPT;
    if (telem_i_file_payload(r, h, &c)) return h->code;
    s->next_row = d->first_row;
    s->anywhere = 0;
    if (!h->key) { /* what it continues was read or the state is void: see telem_i_file_read_data_block */
        s->decodable = 1;
        s->type = h->type;
    }
    telem_i_file_begin_rows(r, h, d, c.p, telem_i_file_cursor_left(&c));
    while (r->block.stream) {
        uint32_t i;
        uint64_t to;
        if (!telem_i_file_row_item(r, &item)) continue;
        if (item.row < q->first || item.row - q->first >= q->rows) continue;
        to = item.row - q->first;
        q->got++;
        q->next = to + 1u;
        if (q->times) q->times[to] = item.time;
        for (i = 0; i < q->count; i++) {
            telem_result e = telem_i_file_row_into(r->finder, s->pub.schema, item.data, &q->columns[i], to);
            if (e == TELEM_OK) continue;
            if (q->columns[i].result == TELEM_OK) q->columns[i].result = e;
            q->columns[i].lost++;
            v = e;
        }
    }
    q->good = r->queued == 0;
    if (r->queued) v = TELEM_ERR_CORRUPT;
    r->queued = r->taken = 0;
    return v;
}

/* A block of a wanted stream. */
static telem_result telem_i_file_read_data_block(telem_file_reader *r, telem_file_read *q, telem_i_file_header *h, const telem_i_file_data *d, int few) {
    telem_i_file_rstream *s = telem_i_file_rfind(r, d->stream);
    telem_result v;
    if (!s || !s->known || !d->known || (h->key && d->tag != (uint16_t)(s->pub.fingerprint & 0xFFFFu))) return TELEM_ERR_CORRUPT;
    if (d->first_row < q->seen) return TELEM_OK; /* a repeat */
    if (!h->key && (!q->good || q->seen != d->first_row)) return TELEM_ERR_CORRUPT; /* its state is missing */
    q->good = 0;
    q->seen = d->first_row + d->rows;
    if (h->wrong) return h->code;
    if (h->type == TELEM_BLOCK_COLUMNS) v = telem_i_file_read_span(r, q, h, d, few);
    else v = telem_i_file_read_row_span(r, q, h, d);
    return v;
}

static int telem_i_file_reads_done(const telem_file_read *reads, uint32_t n) {
    uint32_t i;
    for (i = 0; i < n; i++)
        if (reads[i].rows && reads[i].seen < reads[i].first + reads[i].rows) return 0;
    return 1;
}

/* Are the requests sound? */
static telem_result telem_i_file_check_reads(telem_file_reader *r, telem_file_read *reads, uint32_t n) {
    uint32_t i, k;
    for (i = 0; i < n; i++) {
        telem_file_read *q = &reads[i];
        telem_i_file_rstream *s;
        for (s = r->streams; s && &s->pub != q->stream; s = s->next) {}
        if (!s || !s->known || (q->count && !q->columns) || q->first > UINT64_MAX - q->rows) return TELEM_ERR_ARG;
        for (k = 0; k < i; k++)
            if (reads[k].stream == q->stream) return TELEM_ERR_ARG;
        q->got = q->next = q->seen = 0;
        q->good = 0;
        for (k = 0; k < q->count; k++) {
            telem_file_into *into = &q->columns[k];
            telem_i_file_wanted want;
            int text;
            if (!telem_i_file_want(r->finder, s->pub.schema, into->column, 0, &want)) return TELEM_ERR_NOT_FOUND;
            text = telem_i_file_codes_text(want.c.type);
            if (!into->data && !(telem_i_file_codes_variable(want.c.type) && into->data_size == 0)) return TELEM_ERR_ARG;
            if ((into->offsets != NULL) != (telem_i_file_codes_variable(want.c.type) != 0) || (text && into->physical)) return TELEM_ERR_ARG;
            into->result = TELEM_OK;
            into->lost = into->filled = 0;
            into->stale = 0;
            if (into->offsets) into->offsets[0] = 0;
        }
    }
    return TELEM_OK;
}

static telem_file_read *telem_i_file_read_of(telem_file_read *reads, uint32_t n, uint32_t *hint, const telem_i_file_rstream *s) {
    uint32_t i;
    for (i = 0; i < n; i++) {
        *hint = *hint + 1u < n ? *hint + 1u : 0;
        if (reads[*hint].stream == &s->pub) return &reads[*hint];
    }
    return NULL;
}

/* Are only a few of the columns wanted? */
static int telem_i_file_few(const telem_file_read *q) {
    const telem_i_file_rstream *s = (const telem_i_file_rstream *)(const void *)q->stream;
    return q->count * 4u < s->columns;
}

TELEM_API telem_result telem_file_view_column(telem_file_reader *r, telem_file_stream *stream, uint32_t column, uint64_t row, telem_file_view *view) {
    telem_i_file_wanted want;
    telem_i_file_finder finder;
    telem_file_into into = TELEM_ZERO;
    telem_file_read q = TELEM_ZERO;
    telem_file_view found = TELEM_ZERO;
    uint64_t none[4]; /* never filled: what is not in place is not read */
    telem_result v;
    if (!r || !r->has_session || !stream || !stream->schema || !view || row == UINT64_MAX) return TELEM_ERR_ARG;
    finder.schema = NULL;
    if (!telem_i_file_want(&finder, stream->schema, column, 0, &want)) return TELEM_ERR_NOT_FOUND;
    if (telem_i_file_codes_text(want.c.type)) return TELEM_ERR_UNSUPPORTED;
    into.column = column;
    into.data = none;
    q.stream = stream;
    q.first = row;
    q.rows = 1;
    q.columns = &into;
    q.count = 1;
    r->view = &found;
    v = telem_file_read_columns(r, &q, 1);
    r->view = NULL;
    if (v != TELEM_OK) return v;
    if (found.rows == 0) return q.got ? TELEM_ERR_UNSUPPORTED : TELEM_ERR_NOT_FOUND; /* a block of rows coding */
    *view = found;
    return TELEM_OK;
}

static telem_result telem_i_file_read_found(telem_file_reader *r, telem_file_read *reads, uint32_t n) {
    telem_i_file_header h;
    telem_i_file_data d;
    telem_i_file_look look;
    telem_result e, worst = TELEM_OK;
    uint64_t from;
    int64_t size = -1; /* of the stream, as far as it is known */
    size_t chunk;
    uint32_t i, k, hint = 0;
    e = telem_i_file_check_reads(r, reads, n);
    if (e != TELEM_OK) return e;
    from = r->blocks_at;
    r->held = r->finish = r->tail_end = 0;
    memset(&look, 0, sizeof look);
    if (n == 1 && reads[0].first > reads[0].stream->start_row) { /* the index tells where to begin */
        look.stream = (telem_i_file_rstream *)(void *)reads[0].stream;
        look.row = reads[0].first;
        e = telem_i_file_locate(r, &look);
        if (e != TELEM_OK) return e;
        if (look.key_pos) from = look.key_pos;
    }
    telem_i_file_streams_restart(r, 1);
    chunk = r->chunk;
    r->chunk = n * 2u < r->stream_count || (n == 1 && telem_i_file_few(&reads[0])) ? TELEM_I_FILE_SMALL : SIZE_MAX;
    e = telem_i_file_goto(r, from);
    while (e == TELEM_OK && !telem_i_file_reads_done(reads, n)) {
        telem_file_read *q = NULL;
        telem_i_file_rstream *s;
        uint64_t next;
        e = telem_i_file_next_header(r, &h);
        if (e != TELEM_OK) break;
        next = h.offset + h.total;
        memset(&d, 0, sizeof d);
        if (telem_i_file_is_data(h.type) && telem_i_file_read_data(r, &h, &d)) {
            telem_i_file_note_key(r, &h, &d);
            s = telem_i_file_rfind(r, d.stream);
            q = s ? telem_i_file_read_of(reads, n, &hint, s) : NULL;
        }
        if (q && q->seen < q->first + q->rows) {
            telem_result v = telem_i_file_read_data_block(r, q, &h, &d, telem_i_file_few(q));
            if (v != TELEM_OK) {
                if (v == TELEM_END || v == TELEM_AGAIN) v = TELEM_ERR_TRUNCATED;
                if (worst == TELEM_OK) worst = telem_i_file_reader_fail(r, v, h.offset, telem_i_file_columns_wrong(v));
            }
        }
        r->queued = r->taken = 0;
        if (next >= r->offset && next - r->offset <= r->have) {
            r->at = (size_t)(next - r->offset);
            continue;
        }
        if (size < 0 || next > (uint64_t)size) size = telem_i_file_stream_size(r);
        e = size >= 0 && next > (uint64_t)size ? TELEM_END : telem_i_file_goto(r, next);
    }
    r->chunk = chunk;
    for (i = 0; i < n; i++)
        for (k = 0; k < reads[i].count; k++)
            if (reads[i].columns[k].offsets) telem_i_file_fill_offsets(&reads[i].columns[k], reads[i].rows);
    if (e != TELEM_OK && e != TELEM_END && e != TELEM_AGAIN) return e;
    e = telem_i_file_rewind(r);
    return worst != TELEM_OK ? worst : e;
}

TELEM_API telem_result telem_file_read_columns(telem_file_reader *r, telem_file_read *reads, uint32_t n) {
    telem_i_file_finder finder;
    telem_result e;
    if (!r || !r->has_session || (n && !reads)) return TELEM_ERR_ARG;
    if (!telem_i_file_seekable(r)) return TELEM_ERR_UNSUPPORTED;
    finder.schema = NULL;
    r->finder = &finder; /* the walk over a wide schema does not begin again with each block */
    e = telem_i_file_read_found(r, reads, n);
    r->finder = NULL;
    return e;
}
#if defined(TELEM_I_FILE_FASTER)
#pragma GCC pop_options
#endif
#endif

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

#if !defined(TELEM_FILE_NO_FEEDS)
/* >>dir -- directories of the system ------------------------------------------------------------ */

#if TELEM_I_SYSTEM
#define TELEM_I_FILE_PATH 1024u /* bytes of a path */

static size_t telem_i_file_join(char path[TELEM_I_FILE_PATH], const char *dir, const char *name) {
    size_t n = strlen(dir), k = strlen(name);
    if (n == 0 || n + k + 2u > TELEM_I_FILE_PATH) return 0;
    memcpy(path, dir, n);
    if (path[n - 1] != '/' && path[n - 1] != '\\' && k) path[n++] = '/';
    memcpy(path + n, name, k + 1u);
    return n + k;
}

/* One component of a path? Names come from callers and from other people's directories. */
static int telem_i_file_is_name(const char *s) {
    size_t i;
    if (!s[0] || telem_i_file_same(s, ".") || telem_i_file_same(s, "..")) return 0;
    for (i = 0; s[i]; i++)
        if (s[i] == '/' || s[i] == '\\' || s[i] == ':') return 0;
    return 1;
}

#if defined(_WIN32)
#include <fcntl.h>

static int telem_i_file_wide(const char *dir, const char *name, wchar_t out[TELEM_I_FILE_PATH]) {
    char path[TELEM_I_FILE_PATH];
    if (!telem_i_file_join(path, dir, name)) return 0;
    return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, out, (int)TELEM_I_FILE_PATH) > 0;
}

static telem_result telem_i_file_dir_error(void) {
    DWORD e = GetLastError();
    if (e == ERROR_FILE_NOT_FOUND || e == ERROR_PATH_NOT_FOUND) return TELEM_ERR_NOT_FOUND;
    if (e == ERROR_FILE_EXISTS || e == ERROR_ALREADY_EXISTS) return TELEM_ERR_EXISTS;
    if (e == ERROR_ACCESS_DENIED || e == ERROR_SHARING_VIOLATION || e == ERROR_WRITE_PROTECT)
        return TELEM_ERR_ACCESS;
    return e == ERROR_DISK_FULL || e == ERROR_HANDLE_DISK_FULL ? TELEM_ERR_SPACE : TELEM_ERR_IO;
}

/* A file that others may rename, remove and write to meanwhile, as everywhere else. */
static telem_result telem_i_file_dir_handle(const char *dir, const char *name, DWORD access, DWORD share,
                                            DWORD make, telem_io *io) {
    wchar_t path[TELEM_I_FILE_PATH];
    HANDLE h;
    int fd;
    if (!telem_i_file_is_name(name) || !telem_i_file_wide(dir, name, path)) return TELEM_ERR_ARG;
    h = CreateFileW(path, access, share, NULL, make, FILE_ATTRIBUTE_NORMAL, NULL);
    if (h == INVALID_HANDLE_VALUE) return telem_i_file_dir_error();
    fd = GetFileType(h) == FILE_TYPE_DISK
             ? _open_osfhandle((intptr_t)h, _O_BINARY | (access & GENERIC_WRITE ? _O_RDWR : _O_RDONLY))
             : -1;
    if (fd < 0) {
        (void)CloseHandle(h);
        return TELEM_ERR_IO;
    }
    *io = telem_io_fd(fd);
    return TELEM_OK;
}

static telem_result telem_i_file_dir_open(void *user, const char *name, int how, telem_io *io) {
    DWORD access = how == TELEM_DIR_READ ? GENERIC_READ : GENERIC_READ | GENERIC_WRITE;
    DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
          make = how == TELEM_DIR_CREATE ? CREATE_NEW : OPEN_EXISTING;
    telem_result r = telem_i_file_dir_handle((const char *)user, name, access, share, make, io);
    wchar_t path[TELEM_I_FILE_PATH];
    if (r != TELEM_ERR_NOT_FOUND || how != TELEM_DIR_CREATE) return r;
    if (!telem_i_file_wide((const char *)user, "", path) || !CreateDirectoryW(path, NULL)) return r;
    return telem_i_file_dir_handle((const char *)user, name, access, share, make, io);
}

static telem_result telem_i_file_dir_close(void *user, telem_io *io) {
    (void)user;
    return _close(telem_i_fd(io->user)) == 0 ? TELEM_OK : TELEM_ERR_IO;
}

static telem_result telem_i_file_dir_list(void *user, int (*fn)(void *arg, const telem_dir_entry *entry),
                                          void *arg) {
    wchar_t pattern[TELEM_I_FILE_PATH];
    WIN32_FIND_DATAW found;
    HANDLE h;
    if (!telem_i_file_wide((const char *)user, "*", pattern)) return TELEM_ERR_ARG;
    h = FindFirstFileW(pattern, &found);
    if (h == INVALID_HANDLE_VALUE) return telem_i_file_dir_error();
    do {
        char name[3u * MAX_PATH + 1u];
        telem_dir_entry e;
        uint64_t t =
            (uint64_t)found.ftLastWriteTime.dwHighDateTime << 32 | found.ftLastWriteTime.dwLowDateTime;
        if (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) continue;
        if (WideCharToMultiByte(CP_UTF8, 0, found.cFileName, -1, name, (int)sizeof name, NULL, NULL) <= 0)
            continue;
        e.name = name;
        e.size = (uint64_t)found.nFileSizeHigh << 32 | found.nFileSizeLow;
        e.modified = telem_i_signed((t - 116444736000000000u) * 100u);
        if (fn(arg, &e)) break;
    } while (FindNextFileW(h, &found));
    (void)FindClose(h);
    return TELEM_OK;
}

/* A file in use may keep its name until its last handle closes: so it is renamed first. */
static telem_result telem_i_file_dir_remove(void *user, const char *name) {
    wchar_t path[TELEM_I_FILE_PATH], aside[TELEM_I_FILE_PATH];
    static const wchar_t gone[] = L".gone";
    size_t n = 0;
    if (!telem_i_file_is_name(name) || !telem_i_file_wide((const char *)user, name, path))
        return TELEM_ERR_ARG;
    while (path[n]) n++;
    if (n + 6u > TELEM_I_FILE_PATH) return TELEM_ERR_ARG;
    memcpy(aside, path, n * sizeof *path);
    memcpy(aside + n, gone, sizeof gone);
    if (!MoveFileExW(path, aside, MOVEFILE_REPLACE_EXISTING))
        return DeleteFileW(path) ? TELEM_OK : telem_i_file_dir_error();
    (void)DeleteFileW(aside);
    return TELEM_OK;
}

static telem_result telem_i_file_dir_rename(void *user, const char *from, const char *to) {
    wchar_t a[TELEM_I_FILE_PATH], b[TELEM_I_FILE_PATH];
    if (!telem_i_file_is_name(from) || !telem_i_file_is_name(to)) return TELEM_ERR_ARG;
    if (!telem_i_file_wide((const char *)user, from, a) || !telem_i_file_wide((const char *)user, to, b))
        return TELEM_ERR_ARG;
    return MoveFileExW(a, b, MOVEFILE_REPLACE_EXISTING) ? TELEM_OK : telem_i_file_dir_error();
}

/* Nobody else can open it while it is open: the system closes it at the end of the process. */
static telem_result telem_i_file_dir_lock(void *user, const char *name, telem_io *held) {
    wchar_t path[TELEM_I_FILE_PATH];
    telem_result r =
        telem_i_file_dir_handle((const char *)user, name, GENERIC_READ | GENERIC_WRITE, 0, OPEN_ALWAYS, held);
    if (r == TELEM_ERR_NOT_FOUND && telem_i_file_wide((const char *)user, "", path) &&
        CreateDirectoryW(path, NULL))
        r = telem_i_file_dir_handle((const char *)user, name, GENERIC_READ | GENERIC_WRITE, 0, OPEN_ALWAYS,
                                    held);
    return r == TELEM_ERR_ACCESS && GetLastError() == ERROR_SHARING_VIOLATION ? TELEM_ERR_BUSY : r;
}

static telem_result telem_i_file_dir_sync(void *user) {
    (void)user; /* NTFS logs its names */
    return TELEM_OK;
}

#else /* POSIX */
#include <dirent.h>
#include <sys/stat.h>

static telem_result telem_i_file_dir_errno(int e) {
    if (e == ENOENT || e == ENOTDIR) return TELEM_ERR_NOT_FOUND;
    if (e == EEXIST) return TELEM_ERR_EXISTS;
    if (e == ELOOP) return TELEM_ERR_ACCESS; /* a symbolic link where a file of ours should be */
    return telem_i_errno_result(e);
}

/* A plain file: opening a FIFO that somebody put there must not block. */
static telem_result telem_i_file_dir_fd(const char *dir, const char *name, int flags, telem_io *io) {
    char path[TELEM_I_FILE_PATH];
    struct stat st;
    int fd;
    if (!telem_i_file_is_name(name) || !telem_i_file_join(path, dir, name)) return TELEM_ERR_ARG;
    do fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0666);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) return telem_i_file_dir_errno(errno);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return TELEM_ERR_ACCESS;
    }
    *io = telem_io_fd(fd);
    return TELEM_OK;
}

static telem_result telem_i_file_dir_make(const char *dir, const char *name, int flags, telem_io *io) {
    telem_result r = telem_i_file_dir_fd(dir, name, flags, io);
    if (r != TELEM_ERR_NOT_FOUND || mkdir(dir, 0777) != 0) return r;
    return telem_i_file_dir_fd(dir, name, flags, io);
}

static telem_result telem_i_file_dir_open(void *user, const char *name, int how, telem_io *io) {
    const char *dir = (const char *)user;
    if (how == TELEM_DIR_READ) return telem_i_file_dir_fd(dir, name, O_RDONLY, io);
    if (how == TELEM_DIR_WRITE) return telem_i_file_dir_fd(dir, name, O_RDWR | O_NOFOLLOW, io);
    return telem_i_file_dir_make(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, io);
}

static telem_result telem_i_file_dir_close(void *user, telem_io *io) {
    (void)user;
    return close(telem_i_fd(io->user)) == 0 || errno == EINTR ? TELEM_OK : telem_i_errno_result(errno);
}

static telem_result telem_i_file_dir_list(void *user, int (*fn)(void *arg, const telem_dir_entry *entry),
                                          void *arg) {
    DIR *d = opendir((const char *)user);
    const struct dirent *found;
    if (!d) return telem_i_file_dir_errno(errno);
    while ((found = readdir(d)) != NULL) {
        telem_dir_entry e;
        struct stat st;
        if (fstatat(dirfd(d), found->d_name, &st, 0) != 0 || !S_ISREG(st.st_mode)) continue;
        e.name = found->d_name;
        e.size = (uint64_t)st.st_size;
        e.modified = (int64_t)st.st_mtime * 1000000000;
        if (fn(arg, &e)) break;
    }
    (void)closedir(d);
    return TELEM_OK;
}

static telem_result telem_i_file_dir_remove(void *user, const char *name) {
    char path[TELEM_I_FILE_PATH];
    if (!telem_i_file_is_name(name) || !telem_i_file_join(path, (const char *)user, name))
        return TELEM_ERR_ARG;
    return unlink(path) == 0 ? TELEM_OK : telem_i_file_dir_errno(errno);
}

static telem_result telem_i_file_dir_rename(void *user, const char *from, const char *to) {
    char a[TELEM_I_FILE_PATH], b[TELEM_I_FILE_PATH];
    if (!telem_i_file_is_name(from) || !telem_i_file_is_name(to)) return TELEM_ERR_ARG;
    if (!telem_i_file_join(a, (const char *)user, from) || !telem_i_file_join(b, (const char *)user, to))
        return TELEM_ERR_ARG;
    return rename(a, b) == 0 ? TELEM_OK : telem_i_file_dir_errno(errno);
}

#if defined(__linux__)
/* F_OFD_SETLK, which strict modes hide: a lock of the description, not of the process */
#define TELEM_I_FILE_SETLK 37
#else
#define TELEM_I_FILE_SETLK F_SETLK
#endif

static telem_result telem_i_file_dir_lock(void *user, const char *name, telem_io *held) {
    telem_result r = telem_i_file_dir_make((const char *)user, name, O_RDWR | O_CREAT | O_NOFOLLOW, held);
    struct flock l;
    if (r != TELEM_OK) return r;
    memset(&l, 0, sizeof l);
    l.l_type = F_WRLCK;
    l.l_whence = SEEK_SET;
    while (fcntl(telem_i_fd(held->user), TELEM_I_FILE_SETLK, &l) != 0) {
        if (errno == EINTR) continue;
        r = errno == EAGAIN || errno == EACCES ? TELEM_ERR_BUSY : telem_i_file_dir_errno(errno);
        (void)telem_i_file_dir_close(user, held);
        return r;
    }
    return TELEM_OK;
}

static telem_result telem_i_file_dir_sync(void *user) {
    int fd = open((const char *)user, O_RDONLY | O_CLOEXEC), bad;
    if (fd < 0) return telem_i_file_dir_errno(errno);
    bad = fsync(fd) != 0 && errno != EINVAL; /* some file systems sync no directories */
    (void)close(fd);
    return bad ? TELEM_ERR_IO : TELEM_OK;
}
#endif

TELEM_API telem_dir telem_dir_system(const char *path) {
    telem_dir d = TELEM_ZERO;
    union {
        const char *from;
        void *to;
    } same;
    same.from = path;
    d.user = same.to; /* only read */
    d.open = telem_i_file_dir_open;
    d.close = telem_i_file_dir_close;
    d.list = telem_i_file_dir_list;
    d.remove = telem_i_file_dir_remove;
    d.rename = telem_i_file_dir_rename;
    d.lock = telem_i_file_dir_lock;
    d.sync = telem_i_file_dir_sync;
    return d;
}
#endif /* TELEM_I_SYSTEM */

/* >>feed-write -- files NAME.000001.tlm, NAME.000002.tlm .. of one sequence. The next one is made as NAME.new and
   renamed when its beginning stands in it: who sees a file of a feed can read it. NAME.lock is held by the writer,
   NAME.ack says what was acknowledged. */

#define TELEM_I_FILE_FEED_BATCH 32u /* files looked at in one pass over the directory */
#define TELEM_I_FILE_ACK        40u /* bytes of NAME.ack */

static int telem_i_file_feed_is_name(const char *s) {
    size_t i, n = strlen(s);
    if (n == 0 || n > TELEM_FEED_NAME_MAX || s[0] == '.' || s[0] == '-' || s[n - 1] == '.') return 0;
    for (i = 0; i < n; i++) {
        char c = s[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
              c == '_' || c == '.'))
            return 0;
    }
    return 1;
}

static void telem_i_file_feed_file(char out[TELEM_FEED_FILE_MAX + 1u], const char *name, const char *end) {
    size_t n = strlen(name);
    memcpy(out, name, n);
    memcpy(out + n, end, strlen(end) + 1u);
}

static void telem_i_file_feed_numbered(char out[TELEM_FEED_FILE_MAX + 1u], const char *name,
                                       uint32_t number) {
    char end[24], digits[24];
    size_t n = telem_print_u64(digits, sizeof digits, number), at = 0;
    end[at++] = '.';
    while (at + n < 7u) end[at++] = '0'; /* six digits at least */
    memcpy(end + at, digits, n);
    memcpy(end + at + n, ".tlm", 5);
    telem_i_file_feed_file(out, name, end);
}

/* Takes NAME.000001.tlm apart; only the one form that is written counts. Returns the length of NAME, or 0. */
static size_t telem_i_file_feed_parse(const char *file, uint32_t *number) {
    char name[TELEM_FEED_NAME_MAX + 1u], again[TELEM_FEED_FILE_MAX + 1u];
    size_t n = strlen(file), at, digits;
    uint64_t v = 0;
    if (n < 12 || n > TELEM_FEED_FILE_MAX || memcmp(file + n - 4, ".tlm", 4) != 0) return 0;
    for (at = n - 4; at > 0 && file[at - 1] >= '0' && file[at - 1] <= '9'; at--) {}
    digits = n - 4 - at;
    if (digits < 6 || digits > 10 || at < 2 || at - 1 > TELEM_FEED_NAME_MAX || file[at - 1] != '.') return 0;
    for (; at < n - 4; at++) v = v * 10u + (uint64_t)(file[at] - '0');
    if (v > UINT32_MAX) return 0;
    at = n - 5 - digits;
    memcpy(name, file, at);
    name[at] = 0;
    if (!telem_i_file_feed_is_name(name)) return 0;
    telem_i_file_feed_numbered(again, name, (uint32_t)v);
    if (!telem_i_file_same(again, file)) return 0;
    *number = (uint32_t)v;
    return at;
}

/* A pass over the directory: all files of one feed, and the first ones from a number on, ascending (or, with `down`, those
   up to a number, descending). */
typedef struct telem_i_file_feed_pass {
    const char *name;
    uint64_t from, bytes;
    uint32_t files, n, last; /* files in all; in `first`; the highest number */
    uint8_t down;
    struct {
        uint64_t size;
        int64_t modified;
        uint32_t number;
    } first[TELEM_I_FILE_FEED_BATCH];
} telem_i_file_feed_pass;

static int telem_i_file_feed_pass_entry(void *arg, const telem_dir_entry *e) {
    telem_i_file_feed_pass *p = (telem_i_file_feed_pass *)arg;
    uint32_t number, i;
    size_t n = telem_i_file_feed_parse(e->name, &number);
    if (n == 0 || n != strlen(p->name) || memcmp(p->name, e->name, n) != 0) return 0;
    p->files++;
    p->bytes += e->size;
    if (p->files == 1 || number > p->last) p->last = number;
    if (p->down ? number > p->from : number < p->from) return 0;
    for (i = p->n; i > 0 && (p->down ? p->first[i - 1].number < number : p->first[i - 1].number > number); i--)
        if (i < TELEM_I_FILE_FEED_BATCH) p->first[i] = p->first[i - 1];
    if (i == TELEM_I_FILE_FEED_BATCH) return 0;
    p->first[i].number = number;
    p->first[i].size = e->size;
    p->first[i].modified = e->modified;
    if (p->n < TELEM_I_FILE_FEED_BATCH) p->n++;
    return 0;
}

/* A directory that is not there has no files. */
static telem_result telem_i_file_feed_list_files(const telem_dir *dir, const char *name, uint64_t from, int down,
                                                 telem_i_file_feed_pass *p) {
    telem_result r;
    memset(p, 0, sizeof *p);
    p->name = name;
    p->from = from;
    p->down = (uint8_t)down;
    r = dir->list(dir->user, telem_i_file_feed_pass_entry, p);
    return r == TELEM_ERR_NOT_FOUND ? TELEM_OK : r;
}

static telem_result telem_i_file_feed_look(const telem_dir *dir, const char *name, uint64_t from,
                                           telem_i_file_feed_pass *p) {
    return telem_i_file_feed_list_files(dir, name, from, 0, p);
}

/* What the header of a file says of its place. */
typedef struct telem_i_file_feed_place {
    uint64_t session, sequence, previous;
    uint32_t number, max_block, max_row, max_streams;
} telem_i_file_feed_place;

static telem_result telem_i_file_feed_peek(const telem_dir *dir, const char *file,
                                           telem_i_file_feed_place *x) {
    uint8_t h[4096];
    telem_io io;
    telem_result r = dir->open(dir->user, file, TELEM_DIR_READ, &io);
    int64_t got;
    size_t size;
    memset(x, 0, sizeof *x);
    if (r != TELEM_OK) return r;
    got = telem_io_read_all(&io, h, sizeof h);
    (void)dir->close(dir->user, &io);
    if (got < 0) return (telem_result)got;
    if (got < (int64_t)TELEM_I_FILE_HEADER) return TELEM_ERR_TRUNCATED;
    size = telem_get16(h + 10);
    if (memcmp(h, telem_i_file_magic, 8) != 0 || size < TELEM_I_FILE_HEADER || size > sizeof h)
        return TELEM_ERR_CORRUPT;
    if (got < (int64_t)size) return TELEM_ERR_TRUNCATED;
    if (telem_get32(h + size - 4) != telem_i_xxh32(h, size - 4, 0)) return TELEM_ERR_CORRUPT;
    x->session = telem_get64(h + 16);
    x->max_block = telem_get32(h + 36);
    x->max_row = telem_get32(h + 40);
    x->max_streams = telem_get32(h + 44);
    x->number = telem_get32(h + 52);
    x->sequence = telem_get64(h + 64);
    x->previous = telem_get64(h + 72);
    return TELEM_OK;
}

/* Words from parts. */
typedef struct telem_i_file_words {
    char *s;
    size_t n, cap;
} telem_i_file_words;

static void telem_i_file_words_add(telem_i_file_words *t, const char *s) {
    size_t k = strlen(s);
    if (k > t->cap - 1u - t->n) k = t->cap - 1u - t->n;
    memcpy(t->s + t->n, s, k);
    t->n += k;
    t->s[t->n] = 0;
}

static telem_result telem_i_file_feed_fail(telem_feed_writer *f, telem_result code, const char *what,
                                           const char *more) {
    telem_i_file_words t;
    t.s = f->text;
    t.n = 0;
    t.cap = sizeof f->text;
    telem_i_file_words_add(&t, what);
    telem_i_file_words_add(&t, more);
    f->error.code = code;
    f->error.offset = 0;
    f->error.what = f->text;
    return code;
}

/* The writer's own error as the feed's. */
static telem_result telem_i_file_feed_writer_failed(telem_feed_writer *f, telem_result r) {
    telem_error e = telem_file_writer_error(&f->w);
    (void)telem_i_file_feed_fail(f, r, e.what ? e.what : telem_result_text(r), "");
    f->error.offset = e.offset;
    return r;
}

/* ---- schemas: which field differs ---- */

static const char *telem_i_file_or_none(const char *s) { return s && *s ? s : "none"; }
static int telem_i_file_text_differs(const char *a, const char *b) {
    return !telem_i_file_same(a ? a : "", b ? b : "");
}

static void telem_i_file_differs_in(telem_i_file_words *t, const char *what, const char *there,
                                    const char *here) {
    telem_i_file_words_add(t, what);
    telem_i_file_words_add(t, " is ");
    telem_i_file_words_add(t, there);
    telem_i_file_words_add(t, " there and ");
    telem_i_file_words_add(t, here);
    telem_i_file_words_add(t, " here");
}

static void telem_i_file_differs_number(telem_i_file_words *t, const char *what, double there, double here) {
    char a[40], b[40];
    a[telem_print_f64(a, sizeof a - 1u, there)] = 0;
    b[telem_print_f64(b, sizeof b - 1u, here)] = 0;
    telem_i_file_differs_in(t, what, a, b);
}

static int telem_i_file_differs_labels(telem_i_file_words *t, const telem_field *a, const telem_field *b) {
    uint32_t i;
    for (i = 0; i < a->label_count && i < b->label_count; i++) {
        if (!telem_i_file_text_differs(a->labels[i].name, b->labels[i].name) &&
            a->labels[i].value == b->labels[i].value)
            continue;
        telem_i_file_differs_in(t, ": a label", telem_i_file_or_none(a->labels[i].name),
                                telem_i_file_or_none(b->labels[i].name));
        if (!telem_i_file_text_differs(a->labels[i].name, b->labels[i].name))
            telem_i_file_words_add(t, ", of another value");
        return 1;
    }
    if (a->label_count == b->label_count) return 0;
    telem_i_file_differs_number(t, ": the number of labels", a->label_count, b->label_count);
    return 1;
}

static int telem_i_file_differs(telem_i_file_words *t, const telem_schema *a, const telem_schema *b,
                                unsigned depth);

/* Adds what differs behind the field's name that stands in t. */
static int telem_i_file_differs_field(telem_i_file_words *t, const telem_field *a, const telem_field *b,
                                      unsigned depth) {
    double ka = a->scale == 0 ? 1 : a->scale, kb = b->scale == 0 ? 1 : b->scale;
    if (a->type != b->type)
        telem_i_file_differs_in(t, ": the type", telem_i_type_name(a->type), telem_i_type_name(b->type));
    else if (a->count != b->count)
        telem_i_file_differs_number(t, ": the number of elements", a->count, b->count);
    else if (a->size != b->size)
        telem_i_file_differs_number(t, ": the size", a->size, b->size);
    else if ((a->flags ^ b->flags) & TELEM_OPTIONAL)
        telem_i_file_words_add(t, a->flags & TELEM_OPTIONAL ? " is optional there and not here"
                                                            : " is optional here and not there");
    else if (telem_i_file_text_differs(a->unit, b->unit))
        telem_i_file_differs_in(t, ": the unit", telem_i_file_or_none(a->unit),
                                telem_i_file_or_none(b->unit));
    else if (ka < kb || ka > kb)
        telem_i_file_differs_number(t, ": the scale", ka, kb);
    else if (a->bias < b->bias || a->bias > b->bias)
        telem_i_file_differs_number(t, ": the bias", a->bias, b->bias);
    else if (telem_i_file_differs_labels(t, a, b))
        return 1;
    else if (a->nested && b->nested)
        return telem_i_file_differs(t, a->nested, b->nested, depth + 1u);
    else
        return 0;
    return 1;
}

/* The first difference between a schema there and one here is added to t. 0: none of these. */
static int telem_i_file_differs(telem_i_file_words *t, const telem_schema *a, const telem_schema *b,
                                unsigned depth) {
    uint32_t i;
    size_t mark = t->n;
    for (i = 0; i < a->field_count || i < b->field_count; i++) {
        telem_i_file_words_add(t, depth ? "." : " field ");
        if (i >= a->field_count || i >= b->field_count) {
            telem_i_file_words_add(t, i >= a->field_count ? b->fields[i].name : a->fields[i].name);
            telem_i_file_words_add(t, i >= a->field_count ? " is not there" : " is not here");
            return 1;
        }
        telem_i_file_words_add(t, a->fields[i].name);
        if (telem_i_file_text_differs(a->fields[i].name, b->fields[i].name)) {
            telem_i_file_words_add(t, " there is ");
            telem_i_file_words_add(t, b->fields[i].name);
            telem_i_file_words_add(t, " here");
            return 1;
        }
        if (telem_i_file_differs_field(t, &a->fields[i], &b->fields[i], depth)) return 1;
        t->n = mark;
        t->s[mark] = 0;
    }
    return 0;
}

/* ---- opening ---- */

/* What a feed holds already, as far as its writer must know. */
typedef struct telem_i_file_feed_past {
    telem_i_file_feed_place place; /* of the newest readable file */
    uint32_t number;               /* of the file to come */
    uint64_t from;                 /* files with higher numbers were looked at */
    uint8_t any;
} telem_i_file_feed_past;

/* The streams of a file that is there, against those of the desc: where their numbers go on, and whether they may. */
static telem_result telem_i_file_feed_match(telem_feed_writer *f, const telem_feed_writer_desc *d,
                                            telem_file_reader *r, uint64_t *start, uint8_t *found) {
    telem_i_file_words t;
    uint32_t i, k;
    for (i = 0; i < d->stream_count; i++) {
        const telem_file_stream_desc *s = &d->streams[i];
        const char *name = s->name ? s->name : s->schema->name;
        for (k = 0; k < telem_file_reader_stream_count(r); k++) {
            const telem_file_stream *old = telem_file_reader_stream(r, k);
            if (!old->schema || found[i] || (old->id != s->id && !telem_i_file_same(old->name, name)))
                continue;
            t.s = f->text;
            t.n = 0;
            t.cap = sizeof f->text;
            telem_i_file_words_add(&t, "stream ");
            telem_i_file_words_add(&t, name);
            f->error.code = TELEM_ERR_MISMATCH;
            f->error.what = f->text;
            if (old->id != s->id) {
                telem_i_file_words_add(&t, " has another id in the feed");
                return TELEM_ERR_MISMATCH;
            }
            if (!telem_i_file_same(old->name, name)) {
                telem_i_file_words_add(&t, " has the id of the feed's ");
                telem_i_file_words_add(&t, old->name);
                return TELEM_ERR_MISMATCH;
            }
            if (old->fingerprint != telem_schema_fingerprint(s->schema) && !d->may_change) {
                if (!telem_i_file_differs(&t, old->schema, s->schema, 0))
                    telem_i_file_words_add(&t, " has another schema in the feed");
                return TELEM_ERR_MISMATCH;
            }
            start[i] = old->end_row > old->start_row ? old->end_row : old->start_row;
            found[i] = 1;
        }
    }
    memset(&f->error, 0, sizeof f->error);
    return TELEM_OK;
}

/* A writer that was killed left rows in the journal only: their numbers are taken, too. */
static telem_result telem_i_file_feed_journal(telem_file_reader *r) {
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_file_item item;
    telem_result e;
    if (telem_file_reader_journal(r) != 2) return TELEM_OK;
    while ((e = telem_file_next(r, &item)) == TELEM_OK)
        if (item.kind == TELEM_ITEM_ROW && item.row >= item.stream->end_row)
            item.stream->end_row = item.row + 1u;
    return e == TELEM_END || e == TELEM_AGAIN ? TELEM_OK : e;
#else
    (void)r;
    return TELEM_OK;
#endif
}

/* Says an answer what the file is, or nothing of it (an io's error)? */
static int telem_i_file_feed_judges(telem_result r) {
    return r == TELEM_OK || r == TELEM_ERR_CORRUPT || r == TELEM_ERR_TRUNCATED || r == TELEM_ERR_UNSUPPORTED ||
           r == TELEM_ERR_NOT_FOUND;
}

/* Was it closed? The io stands anywhere afterwards. */
static int telem_i_file_feed_closed(telem_file_reader *r) {
#if !defined(TELEM_FILE_NO_JOURNAL)
    if (telem_file_reader_journal(r) == 2) return 0;
#endif
    return telem_i_file_learn_end(r);
}

/* Reads a file's streams. What is no good tells nothing, and that is no error; what the io refuses is one. */
static telem_result telem_i_file_feed_read_file(telem_feed_writer *f, const telem_feed_writer_desc *d,
                                                const char *file, uint64_t *start, uint8_t *found,
                                                uint8_t *closed) {
    uint8_t *memory = (uint8_t *)(d->scratch ? d->scratch : d->file.memory);
    size_t size = d->scratch ? d->scratch_size : d->file.memory_size,
           own = telem_i_file_align8(sizeof(telem_file_reader));
    telem_file_reader *r = (telem_file_reader *)(void *)memory;
    telem_file_reader_desc rd = TELEM_ZERO;
    telem_io io;
    telem_result e;
    if (size < own)
        return telem_i_file_feed_fail(f, TELEM_ERR_MEMORY,
                                      "scratch is too small to read what is there: ", file);
    e = f->dir.open(f->dir.user, file, TELEM_DIR_READ, &io);
    if (e == TELEM_ERR_NOT_FOUND) return TELEM_OK;
    if (e != TELEM_OK) return telem_i_file_feed_fail(f, e, "a file of the feed cannot be read: ", file);
    rd.io = &io;
    rd.memory = memory + own;
    rd.memory_size = size - own;
    e = telem_file_reader_open(r, &rd);
    if (e == TELEM_OK) *closed = (uint8_t)telem_i_file_feed_closed(r);
    if (e == TELEM_OK) {
        int64_t streams = telem_file_reader_scan(r, NULL, 0);
        e = streams < 0 ? (telem_result)streams : telem_i_file_feed_journal(r);
        if (e == TELEM_OK) {
            e = telem_i_file_feed_match(f, d, r, start, found);
            (void)f->dir.close(f->dir.user, &io);
            return e;
        }
    }
    if (e == TELEM_ERR_MEMORY)
        (void)telem_i_file_feed_fail(f, e, "scratch is too small to read what is there: ", file);
    else if (telem_i_file_feed_judges(e))
        e = TELEM_OK;
    else
        (void)telem_i_file_feed_fail(f, e, "a file of the feed cannot be read: ", file);
    (void)f->dir.close(f->dir.user, &io);
    return e;
}

/* The newest file, of a writer that was killed, becomes whole: rows of its journal zone become blocks, an index and an
   end block come behind. What cannot be mended (no room, damage that is not at its end) stays as it is, and reads so. */
static void telem_i_file_feed_seal(telem_feed_writer *f, const telem_feed_writer_desc *d, const char *file,
                                   const telem_i_file_feed_place *x) {
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_file_writer_desc wd = TELEM_ZERO;
    telem_io io;
    if (f->dir.open(f->dir.user, file, TELEM_DIR_WRITE, &io) != TELEM_OK) return;
    wd.io = &io;
    wd.memory = d->scratch ? d->scratch : d->file.memory;
    wd.memory_size = d->scratch ? d->scratch_size : d->file.memory_size;
#if !defined(TELEM_FILE_NO_ROWS)
    wd.coding = TELEM_FILE_ROWS;
#endif
    wd.max_block = x->max_block;
    wd.max_row = x->max_row;
    wd.max_streams = x->max_streams;
    wd.append = 1;
    (void)telem_file_writer_open(&f->w, &wd);
    if (f->w.open) (void)telem_file_writer_close(&f->w);
    (void)f->dir.close(f->dir.user, &io);
    memset(&f->w, 0, sizeof f->w);
#else
    (void)f, (void)d, (void)file, (void)x;
#endif
}

static int telem_i_file_feed_all(const uint8_t *found, uint32_t n) {
    while (n > 0 && found[n - 1]) n--;
    return n == 0;
}

/* One of the files: whether it is of the feed, and what it says of the streams. */
static telem_result telem_i_file_feed_past_file(telem_feed_writer *f, const telem_feed_writer_desc *d, uint32_t number,
                                                telem_i_file_feed_past *past, uint64_t *start, uint8_t *found) {
    telem_i_file_feed_place x;
    uint8_t closed = 1;
    char file[TELEM_FEED_FILE_MAX + 1u];
    telem_result r;
    telem_i_file_feed_numbered(file, f->name, number);
    r = telem_i_file_feed_peek(&f->dir, file, &x);
    if (!telem_i_file_feed_judges(r)) return telem_i_file_feed_fail(f, r, "a file of the feed cannot be read: ", file);
    if (r != TELEM_OK || x.sequence == 0 || x.number != number) return TELEM_OK;
    if (past->any && x.sequence != past->place.sequence) return TELEM_OK;
    r = telem_i_file_feed_read_file(f, d, file, start, found, &closed);
    if (r == TELEM_OK && !past->any && !closed) telem_i_file_feed_seal(f, d, file, &x);
    if (!past->any) past->place = x;
    past->any = 1;
    return r;
}

/* From the newest file back until all streams are found; files of another sequence are other people's. */
static telem_result telem_i_file_feed_past_of(telem_feed_writer *f, const telem_feed_writer_desc *d,
                                              telem_i_file_feed_past *past, uint64_t *start, uint8_t *found) {
    telem_i_file_feed_pass p;
    uint32_t i;
    telem_result r;
    memset(past, 0, sizeof *past);
    p.n = TELEM_I_FILE_FEED_BATCH;
    for (past->from = UINT32_MAX; p.n == TELEM_I_FILE_FEED_BATCH;) {
        r = telem_i_file_feed_list_files(&f->dir, f->name, past->from, 1, &p);
        if (r != TELEM_OK) return telem_i_file_feed_fail(f, r, "the directory cannot be listed", "");
        for (i = 0; i < p.n && p.first[i].number > 0; i++) {
            r = telem_i_file_feed_past_file(f, d, p.first[i].number, past, start, found);
            if (r != TELEM_OK || (past->any && telem_i_file_feed_all(found, d->stream_count))) return r;
            past->from = p.first[i].number - 1u;
        }
        if (i < p.n) break;
    }
    return TELEM_OK;
}

/* From `number` on the first that no file has as its name: other people's files are not written over. 0: none. */
static uint32_t telem_i_file_feed_free(telem_feed_writer *f, uint32_t number) {
    char file[TELEM_FEED_FILE_MAX + 1u];
    uint32_t tries = 4096;
    telem_io io;
    for (; number > 0 && tries-- > 0; number++) {
        telem_result r;
        telem_i_file_feed_numbered(file, f->name, number);
        r = f->dir.open(f->dir.user, file, TELEM_DIR_READ, &io);
        if (r == TELEM_ERR_NOT_FOUND) return number;
        if (r == TELEM_OK) (void)f->dir.close(f->dir.user, &io);
    }
    return 0;
}

static int64_t telem_i_file_feed_now(const telem_feed_writer *f) {
    return f->clock.read ? telem_ticks_to_ns(&f->clock, telem_i_signed(f->clock.read(f->clock.user))) : 0;
}

/* The file made as NAME.new gets its name. */
static telem_result telem_i_file_feed_name_it(telem_feed_writer *f, uint32_t number) {
    char fresh[TELEM_FEED_FILE_MAX + 1u], file[TELEM_FEED_FILE_MAX + 1u];
    telem_result r;
    telem_i_file_feed_file(fresh, f->name, ".new");
    telem_i_file_feed_numbered(file, f->name, number);
    r = f->dir.rename(f->dir.user, fresh, file);
    if (r != TELEM_OK) return r;
    if (f->dir.sync)
        (void)f->dir.sync(f->dir.user); /* a name that a power cut takes back is seen at the next open */
    telem_i_file_feed_numbered(f->file, f->name, number);
    f->number = number;
    f->files_made++;
    f->begun = telem_i_file_feed_now(f);
    f->rows_before = f->w.rows;
    f->blocks_seen = f->w.seq;
    f->due_bytes = f->rotate_bytes;
    f->not_before = 0;
    return TELEM_OK;
}

static telem_result telem_i_file_feed_make(telem_feed_writer *f, telem_io *io) {
    char fresh[TELEM_FEED_FILE_MAX + 1u];
    telem_i_file_feed_file(fresh, f->name, ".new");
    (void)f->dir.remove(f->dir.user, fresh); /* of a writer that died */
    return f->dir.open(f->dir.user, fresh, TELEM_DIR_CREATE, io);
}

static void telem_i_file_feed_unmake(telem_feed_writer *f, telem_io *io) {
    char fresh[TELEM_FEED_FILE_MAX + 1u];
    telem_i_file_feed_file(fresh, f->name, ".new");
    (void)f->dir.close(f->dir.user, io);
    (void)f->dir.remove(f->dir.user, fresh);
}

/* The first file of this writer, as NAME.new. */
static telem_result telem_i_file_feed_begin(telem_feed_writer *f, const telem_feed_writer_desc *d,
                                            const telem_i_file_feed_past *past, const uint64_t *start) {
    telem_file_writer_desc wd = d->file;
    telem_file_stream_desc sd;
    telem_result r;
    uint32_t i;
    wd.io = &f->io[0];
    wd.append = 0;
    wd.previous = past->any ? past->place.session : 0;
    wd.file_number = past->number;
    wd.created = telem_i_file_feed_now(f);
    wd.session = d->file.session ? d->file.session : telem_i_file_new_session(f);
    wd.sequence = past->any ? past->place.sequence : wd.session;
    r = telem_file_writer_open(&f->w, &wd);
    for (i = 0; i < d->clock_count && r == TELEM_OK; i++)
        r = telem_file_add_clock(&f->w, d->clocks[i].id, d->clocks[i].clock, d->clocks[i].name);
    for (i = 0; i < d->stream_count && r == TELEM_OK; i++) {
        sd = d->streams[i];
        sd.start_row = start[i];
        r = telem_file_add_stream(&f->w, &sd);
    }
    if (r == TELEM_OK && past->any) r = telem_i_file_emit_chain(&f->w);
    if (r == TELEM_OK && f->begin) f->begin(f->user, &f->w);
    if (r == TELEM_OK) r = telem_file_writer_flush(&f->w);
    return r;
}

static void telem_i_file_feed_unlock(telem_feed_writer *f) {
    if (f->locked) (void)f->dir.close(f->dir.user, &f->held);
    f->locked = 0;
}

static telem_result telem_i_file_feed_lock(telem_feed_writer *f) {
    char file[TELEM_FEED_FILE_MAX + 1u];
    telem_result r;
    if (!f->dir.lock) return TELEM_OK;
    telem_i_file_feed_file(file, f->name, ".lock");
    r = f->dir.lock(f->dir.user, file, &f->held);
    if (r == TELEM_OK)
        f->locked = 1;
    else
        (void)telem_i_file_feed_fail(
            f, r,
            r == TELEM_ERR_BUSY ? "another writer has this feed: " : "the lock file cannot be made: ", file);
    return r;
}

static telem_result telem_i_file_feed_take_desc(telem_feed_writer *f, const telem_feed_writer_desc *d) {
    uint32_t i;
    if (!d || !d->dir || !d->dir->open || !d->dir->close || !d->dir->list || !d->dir->remove ||
        !d->dir->rename || !d->name)
        return telem_i_file_feed_fail(f, TELEM_ERR_ARG, "the desc has no whole dir, or no name", "");
    if (!telem_i_file_feed_is_name(d->name))
        return telem_i_file_feed_fail(f, TELEM_ERR_ARG, "a feed's name is of 1 to 63 letters, digits, - _ .",
                                      "");
    if ((d->stream_count && !d->streams) || (d->clock_count && !d->clocks) || d->stream_count > 65535)
        return telem_i_file_feed_fail(f, TELEM_ERR_ARG,
                                      "the desc counts streams or clocks that it does not have", "");
    if (!d->file.memory || ((uintptr_t)d->file.memory & 7u) || ((uintptr_t)d->scratch & 7u))
        return telem_i_file_feed_fail(f, TELEM_ERR_ARG, "memory is NULL or not 8-aligned", "");
    for (i = 0; i < d->stream_count; i++)
        if (!d->streams[i].schema)
            return telem_i_file_feed_fail(f, TELEM_ERR_ARG, "a stream has no schema", "");
    f->dir = *d->dir;
    memcpy(f->name, d->name, strlen(d->name) + 1u);
    f->begin = d->begin;
    f->user = d->user;
    f->rotate_bytes = d->rotate_bytes ? d->rotate_bytes : (uint64_t)256 << 20;
    f->rotate_ns = d->rotate_ns;
    f->keep_bytes = d->keep_bytes;
    f->keep_ns = d->keep_ns;
    f->keep_files = d->keep_files;
    f->keep_unread = d->keep_unread;
#if TELEM_I_SYSTEM
    f->clock = telem_clock_utc();
#endif
    if (d->clock) f->clock = *d->clock;
    return TELEM_OK;
}

static telem_result telem_i_file_feed_keep(telem_feed_writer *f);

/* Memory for what must be known of each stream before the writer has its memory: the end of that memory. */
static telem_result telem_i_file_feed_start(telem_feed_writer *f, const telem_feed_writer_desc *d) {
    telem_feed_writer_desc look = *d;
    telem_i_file_feed_past past;
    telem_result r;
    uint8_t *end;
    size_t need = telem_i_file_align8((size_t)d->stream_count * 9u),
           *size = d->scratch ? &look.scratch_size : &look.file.memory_size;
    if (*size < need)
        return telem_i_file_feed_fail(f, TELEM_ERR_MEMORY, "memory is below what the streams take", "");
    *size = (*size - need) & ~(size_t)7u;
    end = (uint8_t *)(d->scratch ? d->scratch : d->file.memory) + *size;
    memset(end, 0, need);
    r = telem_i_file_feed_past_of(f, &look, &past, (uint64_t *)(void *)end,
                                  end + 8u * (size_t)d->stream_count);
    if (r != TELEM_OK) return r;
    past.number = telem_i_file_feed_free(f, past.any ? past.place.number + 1u : 1u);
    if (past.number == 0) return telem_i_file_feed_fail(f, TELEM_ERR_LIMIT, "no file number is left", "");
    r = telem_i_file_feed_make(f, &f->io[0]);
    if (r != TELEM_OK) return telem_i_file_feed_fail(f, r, "a file cannot be made in the directory", "");
    if (d->scratch == NULL) { /* the writer takes that memory, and clears it piece by piece */
        uint64_t start[64];
        if (d->stream_count > 64)
            r = telem_i_file_feed_fail(f, TELEM_ERR_MEMORY, "more than 64 streams want scratch memory", "");
        if (r == TELEM_OK && d->stream_count) memcpy(start, end, 8u * (size_t)d->stream_count);
        if (r == TELEM_OK) r = telem_i_file_feed_begin(f, d, &past, start);
    } else {
        r = telem_i_file_feed_begin(f, d, &past, (uint64_t *)(void *)end);
    }
    if (r != TELEM_OK && f->error.code == TELEM_OK) (void)telem_i_file_feed_writer_failed(f, r);
    if (r == TELEM_OK && (r = telem_i_file_feed_name_it(f, past.number)) != TELEM_OK)
        (void)telem_i_file_feed_fail(f, r, "a file cannot be renamed in the directory", "");
    if (r != TELEM_OK) {
#if !defined(TELEM_FILE_NO_JOURNAL)
        telem_i_file_journal_end(&f->w);
        telem_i_file_unlock(&f->w);
#endif
        telem_i_file_feed_unmake(f, &f->io[0]);
    }
    return r;
}

TELEM_API telem_result telem_feed_open(telem_feed_writer *f, const telem_feed_writer_desc *d) {
    telem_result r;
    if (!f) return TELEM_ERR_ARG;
    memset(f, 0, sizeof *f);
    r = telem_i_file_feed_take_desc(f, d);
    if (r == TELEM_OK) r = telem_i_file_feed_lock(f);
    if (r != TELEM_OK) return r;
    r = telem_i_file_feed_start(f, d);
    if (r != TELEM_OK) {
        telem_i_file_feed_unlock(f);
        f->w.open = 0;
        return r;
    }
    f->open = 1;
    (void)telem_i_file_feed_keep(f);
    return TELEM_OK;
}

TELEM_API telem_error telem_feed_writer_error(const telem_feed_writer *f) { return f->error; }

/* ---- the next file ---- */

/* Not at once again: a disk that is full, a directory that is gone may stay so for long. */
static telem_result telem_i_file_feed_later(telem_feed_writer *f, telem_result r, const char *what) {
    if (f->clock.read)
        f->not_before = telem_i_file_feed_now(f) + 1000000000;
    else
        f->due_bytes = f->w.pos + f->rotate_bytes / 16u + 1u;
    return telem_i_file_feed_fail(f, r, what, "");
}

/* From the file at hand into NAME.new, which gets its name. */
static telem_result telem_i_file_feed_over(telem_feed_writer *f, telem_io *io, uint32_t number) {
    telem_i_file_rotation k;
    telem_result r = telem_i_file_rotate_end(&f->w, &k, &f->unsynced);
    if (r != TELEM_OK) return telem_i_file_feed_writer_failed(f, r);
    r = telem_i_file_rotate_begin(&f->w, io, number, telem_i_file_new_session(io), telem_i_file_feed_now(f), &k);
    if (r == TELEM_OK && (r = telem_i_file_feed_name_it(f, number)) != TELEM_OK)
        telem_i_file_rotate_back(&f->w, &k);
    if (r != TELEM_OK) return telem_i_file_feed_later(f, r, "the next file cannot be begun");
    telem_i_file_rotate_done(&f->w, &k);
    f->unsynced = 0;
    (void)f->dir.close(f->dir.user, &f->io[f->at]); /* it was synced */
    f->at = (uint8_t)(1 - f->at);
    return r;
}

/* The calling thread owns the writer's coding side. */
static telem_result telem_i_file_feed_rotate(telem_feed_writer *f) {
    telem_io *io = &f->io[1 - f->at];
    telem_result r = f->w.error.code;
    uint32_t number;
    if (r != TELEM_OK) return telem_i_file_feed_writer_failed(f, r);
    number = telem_i_file_feed_free(f, f->number + 1u);
    if (number == 0) return telem_i_file_feed_later(f, TELEM_ERR_LIMIT, "no file number is left");
    r = telem_i_file_feed_make(f, io);
    if (r != TELEM_OK) return telem_i_file_feed_later(f, r, "the next file cannot be made");
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_i_file_gate_shut(&f->w);
#endif
    r = telem_i_file_feed_over(f, io, number);
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_i_file_gate_open(&f->w);
#endif
    if (r != TELEM_OK) {
        telem_i_file_feed_unmake(f, io);
        return r;
    }
    if (f->begin) f->begin(f->user, &f->w);
    (void)telem_i_file_feed_keep(f);
    return f->w.error.code == TELEM_OK ? TELEM_OK : telem_i_file_feed_writer_failed(f, f->w.error.code);
}

TELEM_API telem_result telem_feed_rotate(telem_feed_writer *f) {
    telem_result r;
    if (!f || !f->open) return TELEM_ERR_STATE;
    telem_i_file_acquire(&f->w);
    r = telem_i_file_feed_rotate(f);
    telem_i_file_release(&f->w);
    return r;
}

static int telem_i_file_feed_due(telem_feed_writer *f) {
    int64_t now;
    if (f->w.pos < f->due_bytes && f->rotate_ns == 0) return 0;
    if (f->w.pos < f->due_bytes && (f->w.rows == f->rows_before || f->w.seq == f->blocks_seen)) return 0;
    f->blocks_seen = f->w.seq;
    now = telem_i_file_feed_now(f);
    if (f->not_before > now && f->not_before - now <= 1000000000) return 0;
    if (f->w.pos >= f->due_bytes) return 1;
    return f->rotate_ns && now >= f->begun && telem_i_file_since(f->begun, now) >= f->rotate_ns;
}

TELEM_API telem_result telem_feed_poll(telem_feed_writer *f) {
    telem_result r;
    if (!f || !f->open) return TELEM_ERR_STATE;
    telem_i_file_acquire(&f->w);
    r = f->w.error.code;
    if (r == TELEM_OK && telem_i_file_feed_due(f)) r = telem_i_file_feed_rotate(f);
    telem_i_file_release(&f->w);
    return r;
}

/* Is it worth a closer look? A helper thread may be at work on what tells: then every 64 rows. */
static int telem_i_file_feed_glance(telem_feed_writer *f) {
    if (f->w.desc.pace == TELEM_FILE_HELPER) return (++f->rows_unseen & 63u) == 0;
    return f->w.pos >= f->due_bytes || (f->rotate_ns && f->w.seq != f->blocks_seen);
}

TELEM_API telem_result telem_feed_write(telem_feed_writer *f, uint32_t stream, int64_t time,
                                        const void *rec) {
    telem_result r = telem_file_write(&f->w, stream, time, rec);
    if (r == TELEM_OK && telem_i_file_feed_glance(f))
        (void)telem_feed_poll(f); /* the row is in: no error of its own */
    return r;
}

TELEM_API telem_result telem_feed_close(telem_feed_writer *f) {
    telem_result r, e;
    if (!f || !f->open) return TELEM_ERR_STATE;
    r = telem_file_writer_close(&f->w);
    if (r != TELEM_OK) (void)telem_i_file_feed_writer_failed(f, r);
    e = f->dir.close(f->dir.user, &f->io[f->at]);
    if (r == TELEM_OK && e != TELEM_OK) r = telem_i_file_feed_fail(f, e, "closing the file failed", "");
    telem_i_file_feed_unlock(f);
    f->open = 0;
    return r;
}

/* ---- what is kept ---- */

/* NAME.ack: "telem-ack ", the number in ten digits, a space, eight hex digits of XXH32 of what stands before, LF. */
static void telem_i_file_ack_text(char out[TELEM_I_FILE_ACK], uint32_t number) {
    uint32_t i, h;
    memcpy(out, "telem-ack ", 10);
    for (i = 0; i < 10; i++, number /= 10u) out[19u - i] = (char)('0' + number % 10u);
    out[20] = ' ';
    h = telem_i_xxh32(out, 20, 0);
    for (i = 0; i < 8; i++) out[21 + i] = "0123456789abcdef"[h >> (28u - 4u * i) & 15u];
    memcpy(out + 29, "\n", 2);
}

/* 0: nothing that holds. */
static uint32_t telem_i_file_ack_read(const telem_dir *dir, const char *name) {
    char file[TELEM_FEED_FILE_MAX + 1u], there[TELEM_I_FILE_ACK], want[TELEM_I_FILE_ACK];
    telem_io io;
    int64_t got;
    uint64_t v = 0;
    uint32_t i;
    telem_i_file_feed_file(file, name, ".ack");
    if (dir->open(dir->user, file, TELEM_DIR_READ, &io) != TELEM_OK) return 0;
    got = telem_io_read_all(&io, there, sizeof there);
    (void)dir->close(dir->user, &io);
    if (got != 30) return 0;
    for (i = 10; i < 20; i++) v = v * 10u + (uint64_t)((uint8_t)there[i] - (uint8_t)'0');
    if (v > UINT32_MAX) return 0;
    telem_i_file_ack_text(want, (uint32_t)v);
    return memcmp(there, want, 30) == 0 ? (uint32_t)v : 0;
}

TELEM_API telem_result telem_feed_acknowledge(const telem_dir *dir, const char *name, uint32_t number) {
    char file[TELEM_FEED_FILE_MAX + 1u], fresh[TELEM_FEED_FILE_MAX + 1u], text[TELEM_I_FILE_ACK];
    telem_result r, e;
    telem_io io;
    if (!dir || !dir->open || !name || !telem_i_file_feed_is_name(name)) return TELEM_ERR_ARG;
    if (number <= telem_i_file_ack_read(dir, name)) return TELEM_OK;
    telem_i_file_feed_file(file, name, ".ack");
    telem_i_file_feed_file(fresh, name, ".ack.new");
    (void)dir->remove(dir->user, fresh);
    r = dir->open(dir->user, fresh, TELEM_DIR_CREATE, &io);
    if (r != TELEM_OK) return r;
    telem_i_file_ack_text(text, number);
    r = telem_io_write_all(&io, text, 30);
    if (r == TELEM_OK && io.sync) r = io.sync(io.user);
    e = dir->close(dir->user, &io);
    if (r == TELEM_OK) r = e;
    return r == TELEM_OK ? dir->rename(dir->user, fresh, file) : r;
}

static int telem_i_file_feed_too_much(const telem_feed_writer *f, const telem_i_file_feed_pass *p, uint32_t i,
                                      int64_t now) {
    if (f->keep_bytes && p->bytes > f->keep_bytes) return 1;
    if (f->keep_files && p->files > f->keep_files) return 1;
    return f->keep_ns && now > p->first[i].modified &&
           telem_i_file_since(p->first[i].modified, now) > f->keep_ns;
}

/* The oldest files go; never the one at hand, never one that is not of this feed. */
static telem_result telem_i_file_feed_keep(telem_feed_writer *f) {
    telem_i_file_feed_pass p;
    telem_i_file_feed_place x;
    char file[TELEM_FEED_FILE_MAX + 1u];
    uint32_t i, rounds = 256, acked = f->keep_unread ? telem_i_file_ack_read(&f->dir, f->name) : UINT32_MAX;
    int64_t now = telem_i_file_feed_now(f);
    uint64_t from = 0;
    if (!f->keep_bytes && !f->keep_ns && !f->keep_files) return TELEM_OK;
    while (rounds-- > 0) {
        telem_result r = telem_i_file_feed_look(&f->dir, f->name, from, &p);
        if (r != TELEM_OK) return telem_i_file_feed_fail(f, r, "the directory cannot be listed", "");
        for (i = 0; i < p.n; i++) {
            if (p.first[i].number >= f->number || p.first[i].number > acked ||
                !telem_i_file_feed_too_much(f, &p, i, now))
                return TELEM_OK;
            telem_i_file_feed_numbered(file, f->name, p.first[i].number);
            from = (uint64_t)p.first[i].number + 1u;
            if (telem_i_file_feed_peek(&f->dir, file, &x) != TELEM_OK || x.sequence != f->w.desc.sequence) {
                p.files--; /* it does not count */
                p.bytes -= p.first[i].size;
                continue;
            }
            r = f->dir.remove(f->dir.user, file);
            if (r != TELEM_OK && r != TELEM_ERR_NOT_FOUND)
                return telem_i_file_feed_fail(f, r, "a file cannot be removed: ", file);
            f->files_removed++;
            p.files--;
            p.bytes -= p.first[i].size;
        }
        if (p.n < TELEM_I_FILE_FEED_BATCH) return TELEM_OK;
    }
    return TELEM_OK;
}

/* ---- the feeds of a directory ---- */

typedef struct telem_i_file_feed_lister {
    telem_feed_info *feeds;
    uint32_t n, cap;
    uint8_t more;
} telem_i_file_feed_lister;

static int telem_i_file_name_order(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return (int)(uint8_t)*a - (int)(uint8_t)*b;
}

static int telem_i_file_feed_list_entry(void *arg, const telem_dir_entry *e) {
    telem_i_file_feed_lister *l = (telem_i_file_feed_lister *)arg;
    char name[TELEM_FEED_NAME_MAX + 1u];
    uint32_t number, i = 0;
    int order = -1;
    size_t n = telem_i_file_feed_parse(e->name, &number);
    telem_feed_info *x;
    if (n == 0) return 0;
    memcpy(name, e->name, n);
    name[n] = 0;
    while (i < l->n && (order = telem_i_file_name_order(l->feeds[i].name, name)) < 0) i++;
    if (i == l->n || order != 0) {
        if (l->n == l->cap) {
            l->more = 1;
            return 1;
        }
        memmove(&l->feeds[i + 1u], &l->feeds[i], (l->n - i) * sizeof *l->feeds);
        memset(&l->feeds[i], 0, sizeof *l->feeds);
        memcpy(l->feeds[i].name, name, n + 1u);
        l->feeds[i].first = l->feeds[i].last = number;
        l->feeds[i].modified = e->modified;
        l->n++;
    }
    x = &l->feeds[i];
    if (number < x->first) x->first = number;
    if (number > x->last) x->last = number;
    if (e->modified > x->modified) x->modified = e->modified;
    x->files++;
    x->bytes += e->size;
    return 0;
}

TELEM_API int64_t telem_feed_list(const telem_dir *dir, telem_feed_info *feeds, uint32_t cap) {
    telem_i_file_feed_lister l;
    telem_result r;
    if (!dir || !dir->list || (cap && !feeds)) return TELEM_ERR_ARG;
    memset(&l, 0, sizeof l);
    l.feeds = feeds;
    l.cap = cap;
    r = dir->list(dir->user, telem_i_file_feed_list_entry, &l);
    if (r != TELEM_OK && r != TELEM_ERR_NOT_FOUND) return r;
    return l.more ? (int64_t)TELEM_ERR_LIMIT : (int64_t)l.n;
}

/* >>feed-read -- the files of a feed as one stream. A file is left when a later one is there: that was begun when
   nothing more could come into the one before. So: look for a later file, read on to the end once more, go over. */

#define TELEM_I_FILE_FEED_MARKS  256u
#define TELEM_I_FILE_FEED_SELDOM 16u /* a look at the whole directory costs more: the distance of such ones */

/* What is known of a stream over all files. */
typedef struct telem_i_file_mark {
    uint64_t next_row; /* one past the last row delivered or told as missing */
    uint64_t from_row; /* rows below are passed over */
    int64_t from_time; /* the same by time, until the first row that is not below */
    uint32_t id;
    uint8_t has_next, by_row, by_time;
} telem_i_file_mark;

static telem_result telem_i_file_feedr_fail(telem_feed_reader *f, telem_result code, uint64_t offset,
                                            const char *what, const char *more) {
    telem_i_file_words t;
    t.s = f->text;
    t.n = 0;
    t.cap = sizeof f->text;
    telem_i_file_words_add(&t, what);
    telem_i_file_words_add(&t, more);
    f->error.code = code;
    f->error.offset = offset;
    f->error.what = f->text;
    return code;
}

static telem_i_file_mark *telem_i_file_mark_of(telem_feed_reader *f, uint32_t id) {
    uint32_t i;
    for (i = 0; i < f->mark_count; i++)
        if (f->marks[i].id == id) return &f->marks[i];
    if (f->mark_count == f->desc.max_streams) return NULL;
    memset(&f->marks[i], 0, sizeof f->marks[i]);
    f->marks[i].id = id;
    f->mark_count++;
    return &f->marks[i];
}

static void telem_i_file_feedr_leave(telem_feed_reader *f) {
    if (f->reading) {
        telem_file_reader_unmap_zone(&f->r);
        (void)f->dir.close(f->dir.user, &f->io);
    }
    f->reading = f->finished = f->quiet = 0;
}

static void telem_i_file_feedr_drop_next(telem_feed_reader *f) {
    if (f->has_next) (void)f->dir.close(f->dir.user, &f->next_io);
    f->has_next = 0;
}

/* Is it a file of the feed, as far as its header says? */
static int telem_i_file_feedr_is_ours(telem_feed_reader *f, uint32_t number) {
    telem_i_file_feed_place x;
    char file[TELEM_FEED_FILE_MAX + 1u];
    telem_i_file_feed_numbered(file, f->name, number);
    return telem_i_file_feed_peek(&f->dir, file, &x) == TELEM_OK && (x.sequence == 0 || x.number == number) &&
           (f->sequence == 0 || x.sequence == f->sequence);
}

/* Is one among the files listed, or behind them? */
static int telem_i_file_feedr_any_ours(telem_feed_reader *f, const telem_i_file_feed_pass *first) {
    telem_i_file_feed_pass p = *first;
    uint32_t i, rounds = 64;
    for (;;) {
        for (i = 0; i < p.n; i++)
            if (telem_i_file_feedr_is_ours(f, p.first[i].number)) return 1;
        if (p.n < TELEM_I_FILE_FEED_BATCH || rounds-- == 0) return 0;
        if (telem_i_file_feed_look(&f->dir, f->name, (uint64_t)p.first[p.n - 1u].number + 1u, &p) != TELEM_OK) return 0;
    }
}

/* Opens the first file whose number is above `above` (-1: any) as next_io; ERR_NOT_FOUND: there is none. Who follows does
   not leave a file for one that is not of the feed, unless one that is stands behind that. */
static telem_result telem_i_file_feedr_find(telem_feed_reader *f, int64_t above, int wide) {
    telem_i_file_feed_pass p;
    char file[TELEM_FEED_FILE_MAX + 1u];
    telem_result r = TELEM_ERR_NOT_FOUND;
    uint32_t i, tries = 8;
    if ((above >= 0 || !wide) &&
        above < (int64_t)UINT32_MAX) { /* mostly it is the one behind, or the first */
        f->next_number = above < 0 ? 1u : (uint32_t)(above + 1);
        telem_i_file_feed_numbered(file, f->name, f->next_number);
        if (!f->desc.follow || telem_i_file_feedr_is_ours(f, f->next_number))
            r = f->dir.open(f->dir.user, file, TELEM_DIR_READ, &f->next_io);
    }
    while (r == TELEM_ERR_NOT_FOUND && wide &&
           tries-- > 0) { /* what is listed may be gone when it is opened */
        r = telem_i_file_feed_look(&f->dir, f->name, (uint64_t)(above + 1), &p);
        if (r != TELEM_OK || p.n == 0) return r == TELEM_OK ? TELEM_ERR_NOT_FOUND : r;
        /* A list may lack a file that got its name meanwhile. Those before one that is there have theirs by now. */
        r = telem_i_file_feed_look(&f->dir, f->name, (uint64_t)(above + 1), &p);
        if (r != TELEM_OK) return r;
        r = TELEM_ERR_NOT_FOUND;
        if (f->desc.follow && !telem_i_file_feedr_any_ours(f, &p)) return r;
        for (i = 0; i < p.n && r == TELEM_ERR_NOT_FOUND; i++) {
            f->next_number = p.first[i].number;
            telem_i_file_feed_numbered(file, f->name, f->next_number);
            r = f->dir.open(f->dir.user, file, TELEM_DIR_READ, &f->next_io);
        }
    }
    if (r == TELEM_OK) f->has_next = 1;
    return r;
}

static telem_result telem_i_file_feedr_open_io(telem_feed_reader *f) {
    telem_file_reader_desc rd = TELEM_ZERO;
    if (f->io.seek && f->io.seek(f->io.user, 0) != TELEM_OK) return TELEM_ERR_IO;
    rd.io = &f->io;
    rd.memory = f->desc.memory;
    rd.memory_size = f->desc.memory_size;
    rd.max_block = f->desc.max_block;
    rd.max_row = f->desc.max_row;
    return telem_file_reader_open(&f->r, &rd);
}

/* Is the session at hand one of this feed's file `number`? */
static const char *telem_i_file_feedr_alien(telem_feed_reader *f, const telem_file_session *s) {
    if (f->single) return NULL;
    if (s->sequence && s->file_number != f->number) return "a file whose number is not that in its name";
    if (f->sequence && s->sequence != f->sequence) return "a file of another sequence under the feed's name";
    return NULL;
}

#if !defined(TELEM_FILE_NO_COLUMNS)
/* Attachments that the file at hand left open, behind its end block, are open in the next one. */
static void telem_i_file_feedr_carry(telem_feed_reader *f, telem_i_file_rattach *open) {
    open->turn = 0;
    if (f->r.attach && f->r.carries && f->r.ended) *open = *f->r.attach;
}

static void telem_i_file_feedr_carried(telem_feed_reader *f, const telem_i_file_rattach *open) {
    f->r.carries = (uint8_t)!f->single;
    if (open->turn == 0) return;
    f->r.attach = (telem_i_file_rattach *)telem_i_file_take(&f->r.arena, sizeof *f->r.attach);
    if (f->r.attach) *f->r.attach = *open;
}
#endif

/* Begins to read next_io. What is not to be read is an error; then nothing is at hand. */
static telem_result telem_i_file_feedr_enter(telem_feed_reader *f) {
    telem_result r;
    const char *alien;
#if !defined(TELEM_FILE_NO_COLUMNS)
    telem_i_file_rattach open;
    telem_i_file_feedr_carry(f, &open);
#endif
    telem_i_file_feedr_leave(f);
    f->io = f->next_io;
    f->number = f->next_number;
    f->above = (int64_t)f->number;
    f->has_next = f->has_pending = 0;
    f->reading = 1;
    f->telling = 0;
    if (f->single)
        memcpy(f->file, f->name, sizeof f->file);
    else
        telem_i_file_feed_numbered(f->file, f->name, f->number);
    r = telem_i_file_feedr_open_io(f);
    if (r == TELEM_OK && (alien = telem_i_file_feedr_alien(f, &f->r.session)) != NULL)
        r = telem_i_file_feedr_fail(f, TELEM_ERR_UNSUPPORTED, 0, alien, "");
    else if (r != TELEM_OK)
        (void)telem_i_file_feedr_fail(f, r, f->r.error.offset,
                                      f->r.error.what ? f->r.error.what : "a file cannot be read", "");
    if (r != TELEM_OK) {
        telem_i_file_feedr_leave(f);
        return r;
    }
    f->sequence = f->r.session.sequence;
#if !defined(TELEM_FILE_NO_COLUMNS)
    telem_i_file_feedr_carried(f, &open);
#endif
    if (f->desc.follow && f->desc.map_zone) (void)telem_file_reader_map_zone(&f->r);
    return r;
}

/* The sequence that the newest file is of: one that somebody put there under a low number does not decide. */
static void telem_i_file_feedr_learn_sequence(telem_feed_reader *f) {
    telem_i_file_feed_pass p;
    telem_i_file_feed_place x;
    char file[TELEM_FEED_FILE_MAX + 1u];
    uint32_t number, tries = 256;
    if (telem_i_file_feed_look(&f->dir, f->name, 0, &p) != TELEM_OK || p.files == 0) return;
    for (number = p.last; number >= p.first[0].number && tries-- > 0; number--) {
        telem_i_file_feed_numbered(file, f->name, number);
        if (telem_i_file_feed_peek(&f->dir, file, &x) == TELEM_OK && x.number == number && x.sequence) {
            f->sequence = x.sequence;
            return;
        }
        if (number == 0) return;
    }
}

static int telem_i_file_is_plain_name(const char *s) {
    size_t i, n = strlen(s);
    if (n == 0 || n > 255 || telem_i_file_same(s, ".") || telem_i_file_same(s, "..")) return 0;
    for (i = 0; i < n; i++)
        if (s[i] == '/' || s[i] == '\\') return 0;
    return 1;
}

static void telem_i_file_item_damage(telem_feed_reader *f, telem_file_item *item) {
    memset(item, 0, sizeof *item);
    item->kind = TELEM_ITEM_DAMAGE;
    item->error = f->error;
}

TELEM_API telem_result telem_feed_reader_open(telem_feed_reader *f, const telem_feed_reader_desc *d) {
    telem_result r;
    size_t marks;
    if (!f) return TELEM_ERR_ARG;
    memset(f, 0, sizeof *f);
    if (!d || !d->dir || !d->dir->open || !d->dir->close || !d->dir->list || !d->name ||
        !telem_i_file_is_plain_name(d->name))
        return telem_i_file_feedr_fail(f, TELEM_ERR_ARG, 0, "the desc has no whole dir, or no name", "");
    if (!d->memory || ((uintptr_t)d->memory & 7u))
        return telem_i_file_feedr_fail(f, TELEM_ERR_ARG, 0, "desc.memory is NULL or not 8-aligned", "");
    f->desc = *d;
    f->dir = *d->dir;
    f->above = -1;
    if (d->look_ns == 0) f->desc.look_ns = 10000000;
#if TELEM_I_SYSTEM
    f->clock = telem_clock_monotonic();
#endif
    if (d->clock) f->clock = *d->clock;
    memcpy(f->name, d->name, strlen(d->name) + 1u);
    if (d->max_streams == 0) f->desc.max_streams = TELEM_I_FILE_FEED_MARKS;
    marks = f->desc.max_streams * sizeof(telem_i_file_mark);
    if (f->desc.max_streams > 65535 || d->memory_size < marks)
        return telem_i_file_feedr_fail(f, TELEM_ERR_MEMORY, 0, "memory is below 32 bytes per stream", "");
    f->desc.memory_size = (d->memory_size - marks) & ~(size_t)7u;
    f->marks = (telem_i_file_mark *)(void *)((uint8_t *)d->memory + f->desc.memory_size);
    f->is_feed = (uint8_t)telem_i_file_feed_is_name(f->name);
    r = f->is_feed ? telem_i_file_feedr_find(f, -1, 1) : TELEM_ERR_NOT_FOUND;
    if (r == TELEM_ERR_NOT_FOUND &&
        (r = f->dir.open(f->dir.user, f->name, TELEM_DIR_READ, &f->next_io)) == TELEM_OK)
        f->single = f->has_next = 1;
    if (r != TELEM_OK && !(r == TELEM_ERR_NOT_FOUND && d->follow && f->is_feed))
        return telem_i_file_feedr_fail(
            f, r, 0,
            r == TELEM_ERR_NOT_FOUND ? "there is no such feed or file: " : "cannot be opened: ", f->name);
    f->open = 1;
    if (r != TELEM_OK) return TELEM_AGAIN;
    if (!f->single) telem_i_file_feedr_learn_sequence(f);
    r = telem_i_file_feedr_enter(f);
    if (r == TELEM_OK) return r;
    if (!f->single && r != TELEM_ERR_MEMORY &&
        r != TELEM_ERR_LIMIT) { /* it is passed over when there is a later one */
        f->has_damage = 1;
        if (d->follow || telem_i_file_feedr_find(f, f->above, 1) == TELEM_OK) return TELEM_OK;
    }
    f->open = 0;
    return r;
}

TELEM_API telem_result telem_feed_reader_close(telem_feed_reader *f) {
    if (!f || !f->open) return TELEM_ERR_STATE;
    telem_i_file_feedr_leave(f);
    telem_i_file_feedr_drop_next(f);
    f->open = 0;
    return TELEM_OK;
}

TELEM_API uint32_t telem_feed_reader_number(const telem_feed_reader *f) { return f->number; }
TELEM_API const char *telem_feed_reader_file(const telem_feed_reader *f) { return f->file; }
TELEM_API telem_error telem_feed_reader_error(const telem_feed_reader *f) { return f->error; }

/* Rows between the last file and this one that are in none. */
static void telem_i_file_feedr_stream(telem_feed_reader *f, const telem_file_item *item) {
    telem_i_file_mark *m = item->stream->schema ? telem_i_file_mark_of(f, item->stream->id) : NULL;
    uint64_t start = item->stream->start_row;
    telem_file_item *p = &f->pending;
    if (!m) return;
    if (m->has_next && start > m->next_row && !(m->by_row && start <= m->from_row)) {
        memset(p, 0, sizeof *p);
        p->kind = TELEM_ITEM_MISSING;
        p->stream = item->stream;
        p->row = m->by_row && m->from_row > m->next_row ? m->from_row : m->next_row;
        p->count = start - p->row;
        p->error.code = TELEM_ERR_NOT_FOUND;
        p->error.what = "rows that are in no file";
        item->stream->lost += p->count;
        f->has_pending = 1;
    }
    m->next_row = start;
    m->has_next = 1;
}

/* Is this row behind what was asked for? */
static int telem_i_file_feedr_wanted(telem_feed_reader *f, const telem_file_item *item) {
    telem_i_file_mark *m = telem_i_file_mark_of(f, item->stream->id);
    if (!m) return 1;
    m->next_row = item->row + 1u;
    m->has_next = 1;
    if (m->by_row && item->row < m->from_row) return 0;
    m->by_row = 0;
    if (m->by_time && item->time < m->from_time) return 0;
    m->by_time = 0;
    return 1;
}

/* 0: not for the caller. */
static int telem_i_file_feedr_item(telem_feed_reader *f, telem_file_item *item) {
    telem_i_file_mark *m;
    if (item->kind == TELEM_ITEM_STREAM) telem_i_file_feedr_stream(f, item);
    if (item->kind == TELEM_ITEM_ROW) return telem_i_file_feedr_wanted(f, item);
    if (item->kind != TELEM_ITEM_MISSING || item->at_least ||
        !(m = telem_i_file_mark_of(f, item->stream->id)))
        return 1;
    m->next_row = item->row + item->count;
    m->has_next = 1;
    return !(m->by_time || (m->by_row && m->next_row <= m->from_row));
}

/* After a seek what is known of the file comes as items. 0: all told. */
static int telem_i_file_feedr_tell(telem_feed_reader *f, telem_file_item *item) {
    telem_file_stream *s;
    uint32_t n = 0;
    telem_i_file_rclock *k;
    memset(item, 0, sizeof *item);
    if (f->told++ == 0) {
        item->kind = TELEM_ITEM_SESSION;
        item->offset = f->r.start;
        return 1;
    }
    for (k = f->r.clocks; k; k = k->next)
        if (++n == f->told - 1u) {
            item->kind = TELEM_ITEM_CLOCK;
            item->clock_id = k->id;
            return 1;
        }
    s = telem_file_reader_stream(&f->r, f->told - 2u - n);
    if (!s) return 0;
    if (!s->schema) return telem_i_file_feedr_tell(f, item);
    item->kind = TELEM_ITEM_STREAM;
    item->stream = s;
    return 1;
}

/* A clock reading, if there is a clock. */
static uint64_t telem_i_file_feedr_now(const telem_feed_reader *f) {
    return f->clock.read
               ? (uint64_t)telem_ticks_to_ns(&f->clock, telem_i_signed(f->clock.read(f->clock.user)))
               : 0;
}

/* Looks for a later file, when it is time: the very next one behind an end block at each call, else now and then;
   one that is farther away (those between are gone) more seldom, since it takes a list of the directory. */
static int telem_i_file_feedr_look(telem_feed_reader *f) {
    int ended = !f->reading || f->r.ended, wide = 1;
    uint64_t now;
    if (f->desc.follow && f->clock.read) {
        now = telem_i_file_feedr_now(f);
        if (!ended && f->looked && now - f->looked_at < f->desc.look_ns) return 0;
        wide = !f->looked || now - f->listed_at >= f->desc.look_ns * (ended ? 1u : TELEM_I_FILE_FEED_SELDOM);
        f->looked = 1;
        f->looked_at = now;
        if (wide) f->listed_at = now;
    }
    return telem_i_file_feedr_find(f, f->above, wide) == TELEM_OK;
}

/* The file at hand has no more now. TELEM_OK: go on; TELEM_AGAIN, TELEM_END: nothing now. */
static telem_result telem_i_file_feedr_more(telem_feed_reader *f) {
    if (f->has_next && (!f->reading || f->finished)) {
        if (telem_i_file_feedr_enter(f) != TELEM_OK) f->has_damage = 1;
        return TELEM_OK;
    }
    if (!f->has_next && !f->single && telem_i_file_feedr_look(f))
        return TELEM_OK; /* what is at hand is read once more */
    if (!f->has_next && f->desc.follow) return TELEM_AGAIN;
    if (f->reading && f->finished && f->r.carries) { /* there is no later file: attachments do not go on */
        f->r.carries = 0;
        return TELEM_OK;
    }
    if (!f->reading || f->finished) return TELEM_END;
    f->finished = 1;
    return telem_file_reader_finish(&f->r);
}

/* The mapped zone has nothing new, and it is not yet time to look elsewhere. */
static int telem_i_file_feedr_quiet(telem_feed_reader *f) {
    if (!f->quiet || telem_file_reader_ready(&f->r) != 0) return 0;
    return f->looked && f->clock.read && telem_i_file_feedr_now(f) - f->looked_at < f->desc.look_ns;
}

TELEM_API telem_result telem_feed_next_attachment(telem_feed_reader *f, uint64_t id, telem_file_item *item) {
    telem_result r;
    uint32_t i;
    if (!f || !f->open || !item) return TELEM_ERR_STATE;
    f->quiet = f->has_damage = f->has_pending = f->telling = 0;
    for (;;) {
        for (i = 0; i < f->mark_count; i++) f->marks[i].has_next = 0; /* rows that are passed over are not missing */
        r = f->reading ? telem_file_next_attachment(&f->r, id, item) : TELEM_END;
        if (r == TELEM_OK) return r;
        if (r != TELEM_END && r != TELEM_AGAIN)
            return telem_i_file_feedr_fail(
                f, r, f->r.error.offset, f->r.error.what ? f->r.error.what : "a file cannot be read", "");
        r = telem_i_file_feedr_more(f);
        f->has_damage = 0;
        if (r != TELEM_OK) return r;
    }
}

TELEM_API telem_result telem_feed_next(telem_feed_reader *f, telem_file_item *item) {
    telem_result r;
    if (!f || !f->open || !item) return TELEM_ERR_STATE;
    if (telem_i_file_feedr_quiet(f)) return TELEM_AGAIN;
    f->quiet = 0;
    for (;;) {
        if (f->has_damage) {
            f->has_damage = 0;
            telem_i_file_item_damage(f, item);
            return TELEM_OK;
        }
        if (f->telling) {
            if (telem_i_file_feedr_tell(f, item)) return TELEM_OK;
            f->telling = 0;
        } else if (f->has_pending) {
            f->has_pending = 0;
            *item = f->pending;
            return TELEM_OK;
        } else {
            r = f->reading ? telem_file_next(&f->r, item) : TELEM_END;
            if (r == TELEM_OK) {
                if (telem_i_file_feedr_item(f, item)) return TELEM_OK;
                continue;
            }
            if (r != TELEM_END && r != TELEM_AGAIN)
                return telem_i_file_feedr_fail(
                    f, r, f->r.error.offset, f->r.error.what ? f->r.error.what : "a file cannot be read", "");
            r = telem_i_file_feedr_more(f);
            f->quiet = r == TELEM_AGAIN && f->reading;
            if (r != TELEM_OK) return r;
        }
    }
}

/* ---- seeking ---- */

/* As if nothing had been read of the feed. */
static void telem_i_file_feedr_restart(telem_feed_reader *f) {
    telem_i_file_feedr_leave(f);
    telem_i_file_feedr_drop_next(f);
    f->above = -1;
    f->mark_count = 0;
    f->looked = 0;
    f->has_pending = f->has_damage = f->telling = 0;
    if (f->single && f->dir.open(f->dir.user, f->name, TELEM_DIR_READ, &f->next_io) == TELEM_OK)
        f->has_next = 1;
}

/* Opens the first readable file from `number` on, at most `last`. */
static telem_result telem_i_file_feedr_at(telem_feed_reader *f, int64_t number, int64_t last) {
    telem_result r = TELEM_ERR_NOT_FOUND;
    if (f->single) {
        telem_i_file_feedr_restart(f);
        return f->has_next ? telem_i_file_feedr_enter(f) : r;
    }
    for (;;) {
        telem_i_file_feedr_drop_next(f);
        r = telem_i_file_feedr_find(f, number - 1, 1);
        if (r != TELEM_OK) return r;
        if ((int64_t)f->next_number > last) return TELEM_ERR_NOT_FOUND;
        number = (int64_t)f->next_number + 1;
        r = telem_i_file_feedr_enter(f);
        if (r == TELEM_OK || r == TELEM_ERR_MEMORY || r == TELEM_ERR_LIMIT) return r;
    }
}

/* Numbers of the first and the last file. */
static telem_result telem_i_file_feedr_range(telem_feed_reader *f, int64_t *first, int64_t *last) {
    telem_i_file_feed_pass p;
    telem_result r;
    *first = *last = 0;
    if (f->single) return TELEM_OK;
    r = telem_i_file_feed_look(&f->dir, f->name, 0, &p);
    if (r != TELEM_OK) return r;
    if (p.files == 0) return TELEM_ERR_NOT_FOUND;
    *first = p.first[0].number;
    *last = p.last;
    if (f->sequence == 0) telem_i_file_feedr_learn_sequence(f);
    return TELEM_OK;
}

/* What is sought. */
typedef struct telem_i_file_feedr_aim {
    const char *name;
    uint64_t row;
    int64_t time;
    uint8_t by_time;
} telem_i_file_feedr_aim;

static telem_i_file_rstream *telem_i_file_feedr_stream_of(telem_feed_reader *f, const char *name) {
    telem_file_stream *s = telem_file_reader_find(&f->r, name);
    return s ? (telem_i_file_rstream *)(void *)s : NULL;
}

/* Does the stream begin in the file at hand at or before what is sought? -1: it is not there, or has no rows. */
static int telem_i_file_feedr_before(telem_feed_reader *f, const telem_i_file_feedr_aim *aim) {
    telem_i_file_rstream *s;
    if (telem_file_reader_scan(&f->r, NULL, 0) < 0 || !(s = telem_i_file_feedr_stream_of(f, aim->name)))
        return -1;
    if (!aim->by_time) return s->pub.start_row <= aim->row;
    return s->scan_rows == 0 ? -1 : s->scan_first < aim->time;
}

/* Opens the last file in which the stream begins at or before what is sought (else the first one). By halves. */
static telem_result telem_i_file_feedr_approach(telem_feed_reader *f, const telem_i_file_feedr_aim *aim) {
    int64_t lo, hi, best, mid;
    telem_result r = telem_i_file_feedr_range(f, &lo, &hi);
    if (r != TELEM_OK) return r;
    best = lo;
    while (lo <= hi && !f->single) {
        int before = -1;
        mid = lo + (hi - lo) / 2;
        r = telem_i_file_feedr_at(f, mid, hi);
        while (r == TELEM_OK && (before = telem_i_file_feedr_before(f, aim)) < 0)
            r = telem_i_file_feedr_at(f, f->above + 1, hi);
        if (r != TELEM_OK && r != TELEM_ERR_NOT_FOUND) return r;
        if (r == TELEM_OK && before > 0) {
            best = f->above;
            lo = best + 1;
        } else {
            hi = mid - 1;
        }
    }
    return telem_i_file_feedr_at(f, best, UINT32_MAX);
}

/* The same moment on another stream's clock; 0: it cannot be told. */
static int telem_i_file_feedr_time_on(const telem_i_file_rstream *from, const telem_i_file_rstream *to,
                                      int64_t time, int64_t *out) {
    *out = time;
    if (from->pub.clock_id == to->pub.clock_id) return 1;
    if (from->pub.clock.domain != to->pub.clock.domain || from->pub.clock.domain == TELEM_DOMAIN_USER)
        return 0;
    *out = telem_ns_to_ticks(&to->pub.clock, telem_ticks_to_ns(&from->pub.clock, time));
    return 1;
}

/* From where on a stream is wanted. 0: no matter. */
static int telem_i_file_feedr_want(telem_i_file_mark *m, telem_i_file_rstream *s,
                                   const telem_i_file_rstream *base, const telem_i_file_feedr_aim *aim,
                                   telem_i_file_look *look) {
    memset(look, 0, sizeof *look);
    look->stream = s;
    if (!aim) { /* what comes from now on */
        m->by_row = 1;
        m->from_row = look->row = s->pub.end_row > s->pub.start_row ? s->pub.end_row : s->pub.start_row;
        if (look->row > s->pub.start_row) look->row--;
        return s->scan_rows > 0;
    }
    if (!aim->by_time) {
        if (s != base) return 0;
        m->by_row = 1;
        m->from_row = look->row = aim->row;
        return s->scan_rows > 0 && s->pub.end_row > look->row;
    }
    if (!base || !telem_i_file_feedr_time_on(base, s, aim->time, &look->time)) return 0;
    m->by_time = 1;
    look->by_time = 1;
    m->from_time = look->time;
    return s->scan_rows > 0 && s->scan_last >= look->time;
}

/* Marks from where on each stream is wanted, and puts the reader at the first block that any needs. */
static telem_result telem_i_file_feedr_place(telem_feed_reader *f, const telem_i_file_feedr_aim *aim) {
    telem_file_reader *r = &f->r;
    telem_i_file_rstream *s, *base;
    telem_i_file_look look;
    uint64_t at = UINT64_MAX;
    telem_result e = telem_file_reader_scan(r, NULL, 0) < 0 ? TELEM_ERR_IO : TELEM_OK;
    base = aim ? telem_i_file_feedr_stream_of(f, aim->name) : NULL;
    f->mark_count = 0;
    for (s = r->streams; s && e == TELEM_OK; s = s->next) {
        telem_i_file_mark *m = s->known ? telem_i_file_mark_of(f, s->pub.id) : NULL;
        if (!m || !telem_i_file_feedr_want(m, s, base, aim, &look)) continue;
        e = telem_i_file_locate(r, &look);
        if (look.key_pos < at) at = look.key_pos;
    }
    if (e == TELEM_OK) e = telem_i_file_rewind(r);
    if (e == TELEM_OK && at > r->blocks_at && at != UINT64_MAX) {
        e = telem_i_file_goto(r, at);
        telem_i_file_streams_restart(r, 1);
        r->adrift = 1;
    }
    r->queued = r->taken = 0;
    f->telling = 1;
    f->told = 0;
    return e;
}

/* The file before may hold rows that are not earlier, of streams that are behind: it is begun with then. */
static telem_result telem_i_file_feedr_step_back(telem_feed_reader *f, const telem_i_file_feedr_aim *aim) {
    int64_t number = f->above, first, last, time;
    telem_i_file_rstream *base, *s;
    telem_result r = telem_i_file_feedr_range(f, &first, &last);
    int back = 1;
    if (r != TELEM_OK || f->single) return r;
    while (back && number > first) {
        back = 0;
        r = telem_i_file_feedr_at(f, number - 1, number - 1);
        if (r == TELEM_OK && telem_file_reader_scan(&f->r, NULL, 0) >= 0 &&
            (base = telem_i_file_feedr_stream_of(f, aim->name)) != NULL)
            for (s = f->r.streams; s; s = s->next)
                if (s->scan_rows && telem_i_file_feedr_time_on(base, s, aim->time, &time) &&
                    s->scan_last >= time)
                    back = 1;
        if (back) number--;
    }
    return telem_i_file_feedr_at(f, number, UINT32_MAX);
}

static telem_result telem_i_file_feedr_seek(telem_feed_reader *f, const telem_i_file_feedr_aim *aim) {
    telem_i_file_rstream *s;
    telem_result r;
    if (!f || !f->open || !aim->name) return TELEM_ERR_ARG;
    telem_i_file_feedr_restart(f);
    r = telem_i_file_feedr_approach(f, aim);
    if (r == TELEM_OK && aim->by_time) r = telem_i_file_feedr_step_back(f, aim);
    if (r == TELEM_OK) r = telem_i_file_feedr_place(f, aim);
    if (r != TELEM_OK)
        return r == TELEM_ERR_NOT_FOUND
                   ? r
                   : telem_i_file_feedr_fail(f, r, 0, "the feed cannot be sought in", "");
    s = telem_i_file_feedr_stream_of(f, aim->name);
    if (!s) return TELEM_ERR_NOT_FOUND;
    if (aim->by_time || s->pub.start_row <= aim->row) return TELEM_OK;
    memset(&f->pending, 0, sizeof f->pending); /* rows that are gone already */
    f->pending.kind = TELEM_ITEM_MISSING;
    f->pending.stream = &s->pub;
    f->pending.row = aim->row;
    f->pending.count = s->pub.start_row - aim->row;
    f->pending.error.code = TELEM_ERR_NOT_FOUND;
    f->pending.error.what = "rows that are in no file any more";
    f->has_pending = 1;
    return TELEM_OK;
}

TELEM_API telem_result telem_feed_seek_attachment(telem_feed_reader *f, uint64_t id) {
    int64_t first, last, number = (int64_t)(id >> 32);
    telem_result r;
    if (!f || !f->open || id == 0) return TELEM_ERR_ARG;
    telem_i_file_feedr_restart(f);
    r = telem_i_file_feedr_range(f, &first, &last);
    if (r != TELEM_OK) return r;
    if (f->single || number == 0 || id >> 63) return telem_i_file_feedr_at(f, first, UINT32_MAX); /* anywhere */
    return telem_i_file_feedr_at(f, number, number);
}

TELEM_API telem_result telem_feed_seek_row(telem_feed_reader *f, const char *name, uint64_t row) {
    telem_i_file_feedr_aim aim;
    memset(&aim, 0, sizeof aim);
    aim.name = name;
    aim.row = row;
    return telem_i_file_feedr_seek(f, &aim);
}

TELEM_API telem_result telem_feed_seek_time(telem_feed_reader *f, const char *name, int64_t time) {
    telem_i_file_feedr_aim aim;
    memset(&aim, 0, sizeof aim);
    aim.name = name;
    aim.time = time;
    aim.by_time = 1;
    return telem_i_file_feedr_seek(f, &aim);
}

/* Rows that are in the journal only are not new, either. */
static void telem_i_file_feedr_pass_journal(telem_feed_reader *f) {
#if !defined(TELEM_FILE_NO_JOURNAL)
    telem_file_item item;
    int came = 0;
    uint64_t budget; /* no more rows were in the zone: a writer that is faster than this reads does not hold it for ever */
    if (telem_file_reader_journal(&f->r) != 2) return;
    budget = f->r.zone->bytes / telem_i_file_jrow_bytes(4) + 1u;
    while (budget > 0) {
        telem_result r = telem_file_next(&f->r, &item);
        telem_i_file_mark *m = r == TELEM_OK && item.kind == TELEM_ITEM_ROW ? telem_i_file_mark_of(f, item.stream->id) : NULL;
        if (r != TELEM_OK && !came) return; /* twice: the zone may have been overtaken while it was read */
        came = r == TELEM_OK;
        if (!m) continue;
        if (item.row >= m->from_row) budget--;
        m->next_row = item.row + 1u;
        m->has_next = 1;
        if (m->by_row && m->from_row < m->next_row) m->from_row = m->next_row;
    }
#else
    (void)f;
#endif
}

TELEM_API telem_result telem_feed_seek_now(telem_feed_reader *f) {
    int64_t first, last;
    telem_result r;
    if (!f || !f->open) return TELEM_ERR_STATE;
    telem_i_file_feedr_restart(f);
    r = telem_i_file_feedr_range(f, &first, &last);
    if (r == TELEM_ERR_NOT_FOUND && f->desc.follow) return TELEM_OK; /* all that comes is new */
    if (r != TELEM_OK) return r;
    do r = telem_i_file_feedr_at(f, last, last);
    while (r == TELEM_ERR_NOT_FOUND && last-- > first);
    if (r == TELEM_OK) r = telem_i_file_feedr_place(f, NULL);
    if (r == TELEM_OK) telem_i_file_feedr_pass_journal(f);
    return r;
}

/* ---- spans, whole columns ---- */

TELEM_API telem_result telem_feed_reader_span(telem_feed_reader *f, const char *name, telem_feed_span *span) {
    int64_t first, last, number;
    telem_i_file_rstream *s;
    telem_feed_span x;
    telem_result r;
    int found = 0, timed = 0;
    if (!f || !f->open || !name || !span) return TELEM_ERR_ARG;
    memset(&x, 0, sizeof x);
    x.first = 1;
    telem_i_file_feedr_restart(f);
    r = telem_i_file_feedr_range(f, &first, &last);
    for (number = first; r == TELEM_OK && number <= last; number = f->single ? last + 1 : f->above + 1) {
        r = telem_i_file_feedr_at(f, number, last);
        if (r != TELEM_OK || telem_file_reader_scan(&f->r, NULL, 0) < 0 ||
            !(s = telem_i_file_feedr_stream_of(f, name)))
            continue;
        if (!found) x.first_row = x.end_row = s->pub.start_row;
        found = 1;
        if (s->pub.end_row > x.end_row) x.end_row = s->pub.end_row;
        if (s->scan_rows == 0) continue;
        if (!timed || s->scan_first < x.first) x.first = s->scan_first;
        if (!timed || s->scan_last > x.last) x.last = s->scan_last;
        timed = 1;
    }
    telem_i_file_feedr_restart(f);
    if (r != TELEM_OK && r != TELEM_ERR_NOT_FOUND) return r;
    if (!found) return TELEM_ERR_NOT_FOUND;
    *span = x;
    return TELEM_OK;
}

#define TELEM_I_FILE_FEED_COLUMNS 32u /* read in one pass over a file */

/* Bytes of a value in the caller's array. */
static uint64_t telem_i_file_into_width(const telem_schema *schema, const telem_file_into *c) {
    telem_columns it;
    telem_column col;
    telem_columns_begin(&it, schema);
    while (telem_columns_next(&it, &col))
        if (c->column >= col.index && c->column < col.index + col.count)
            return c->physical ? 8u : col.presence ? 1u : col.width;
    return 0;
}

/* A column of the request as it stands for the rows from index `at` on; texts since `done` are in no file: empty. */
static uint32_t telem_i_file_feedr_aim_column(const telem_schema *schema, telem_file_into *c, uint64_t done,
                                              uint64_t at) {
    uint32_t used;
    if (!c->offsets) {
        if (c->data) c->data = (uint8_t *)c->data + at * telem_i_file_into_width(schema, c);
        return 0;
    }
    for (; done < at; done++) c->offsets[done + 1u] = c->offsets[done];
    used = c->offsets[at];
    c->data = (uint8_t *)c->data + used;
    c->data_size -= used;
    c->offsets += at;
    return used;
}

/* Rows [lo, hi) of the request, which lie in the file at hand. */
static telem_result telem_i_file_feedr_part(telem_feed_reader *f, telem_i_file_rstream *s,
                                            telem_file_read *read, uint64_t lo, uint64_t hi, uint64_t done) {
    telem_file_into part[TELEM_I_FILE_FEED_COLUMNS];
    uint32_t used[TELEM_I_FILE_FEED_COLUMNS], from = 0, i, n;
    telem_file_read q;
    telem_result worst = TELEM_OK, r;
    uint64_t at = lo - read->first, k;
    do {
        n = read->count - from < TELEM_I_FILE_FEED_COLUMNS ? read->count - from : TELEM_I_FILE_FEED_COLUMNS;
        for (i = 0; i < n; i++) {
            part[i] = read->columns[from + i];
            used[i] = telem_i_file_feedr_aim_column(s->pub.schema, &part[i], done, at);
        }
        memset(&q, 0, sizeof q);
        q.stream = &s->pub;
        q.first = lo;
        q.rows = hi - lo;
        q.times = read->times && from == 0 ? read->times + at : NULL;
        q.columns = part;
        q.count = n;
        r = telem_file_read_columns(&f->r, &q, 1);
        if (worst == TELEM_OK) worst = r;
        for (i = 0; i < n; i++) {
            telem_file_into *c = &read->columns[from + i];
            for (k = 0; c->offsets && k <= hi - lo; k++) c->offsets[at + k] += used[i];
            if (c->result == TELEM_OK) c->result = part[i].result;
            c->lost += part[i].lost;
        }
        if (from == 0) read->got += q.got;
        if (from == 0 && q.next) read->next = at + q.next;
        from += n;
    } while (from < read->count);
    return worst;
}

TELEM_API telem_result telem_feed_read_columns(telem_feed_reader *f, const char *name,
                                               telem_file_read *read) {
    telem_i_file_feedr_aim aim;
    telem_i_file_rstream *s;
    telem_result r, worst = TELEM_OK;
    uint64_t done = 0, fingerprint = 0, end;
    uint32_t i;
    int found = 0;
    if (!f || !f->open || !name || !read || (read->count && !read->columns) ||
        read->first > UINT64_MAX - read->rows)
        return TELEM_ERR_ARG;
    end = read->first + read->rows;
    read->got = read->next = 0;
    for (i = 0; i < read->count; i++) {
        read->columns[i].result = TELEM_OK;
        read->columns[i].lost = 0;
        if (read->columns[i].offsets) read->columns[i].offsets[0] = 0;
    }
    memset(&aim, 0, sizeof aim);
    aim.name = name;
    aim.row = read->first;
    telem_i_file_feedr_restart(f);
    for (r = telem_i_file_feedr_approach(f, &aim); r == TELEM_OK;
         r = telem_i_file_feedr_at(f, f->above + 1, UINT32_MAX)) {
        uint64_t lo = read->first, hi = end;
        if (telem_file_reader_scan(&f->r, NULL, 0) >= 0 &&
            (s = telem_i_file_feedr_stream_of(f, name)) != NULL) {
            if (s->pub.start_row >= end) break;
            if (lo < s->pub.start_row) lo = s->pub.start_row;
            if (lo < read->first + done) lo = read->first + done; /* what a file repeats */
            if (hi > s->pub.end_row) hi = s->pub.end_row;
            if (!found) fingerprint = s->pub.fingerprint;
            found = 1;
            if (s->pub.fingerprint != fingerprint)
                worst = worst == TELEM_OK ? TELEM_ERR_MISMATCH : worst;
            else if (lo < hi) {
                r = telem_i_file_feedr_part(f, s, read, lo, hi, done);
                if (worst == TELEM_OK) worst = r;
                done = hi - read->first;
            }
        }
        if (f->single) break;
    }
    for (i = 0; i < read->count; i++)
        for (end = done; read->columns[i].offsets && end < read->rows; end++)
            read->columns[i].offsets[end + 1u] = read->columns[i].offsets[end];
    telem_i_file_feedr_restart(f);
    if (r != TELEM_OK && r != TELEM_ERR_NOT_FOUND && worst == TELEM_OK) worst = r;
    return found ? worst : TELEM_ERR_NOT_FOUND;
}
#endif /* TELEM_FILE_NO_FEEDS */

#endif /* TELEM_IMPLEMENTATION */

#else /* TELEM_I_FILE_W: the half of >>columns-ints that is compiled for 32 and for 64 bits */

#if TELEM_I_FILE_W == 32
#define TELEM_I_FILE_T uint32_t
#define TELEM_I_FILE_S int32_t
#define TELEM_I_FILE_N(x) x##32
#define TELEM_I_FILE_INTS(x) telem_i_file_ints32_##x
#define TELEM_I_FILE_SOURCE telem_i_file_source32
#define TELEM_I_FILE_GET telem_i_file_get32
#define TELEM_I_FILE_SET telem_i_file_set32
#define TELEM_I_FILE_A(k) ((k)->a32)
#else
#define TELEM_I_FILE_T uint64_t
#define TELEM_I_FILE_S int64_t
#define TELEM_I_FILE_N(x) x##64
#define TELEM_I_FILE_INTS(x) telem_i_file_ints64_##x
#define TELEM_I_FILE_SOURCE telem_i_file_source64
#define TELEM_I_FILE_GET telem_i_file_get64
#define TELEM_I_FILE_SET telem_i_file_set64
#define TELEM_I_FILE_A(k) ((k)->a64)
#endif
#define TELEM_I_FILE_TOP (TELEM_I_FILE_W - 1)

static inline TELEM_I_FILE_T TELEM_I_FILE_N(telem_i_file_zig)(TELEM_I_FILE_T v) {
    return (TELEM_I_FILE_T)(v << 1) ^ (TELEM_I_FILE_T)(0u - (v >> TELEM_I_FILE_TOP));
}
static inline TELEM_I_FILE_T TELEM_I_FILE_N(telem_i_file_zag)(TELEM_I_FILE_T z) {
    return (TELEM_I_FILE_T)(z >> 1) ^ (TELEM_I_FILE_T)(0u - (z & 1u));
}
/* svarint of a value of this width; on reading one that does not fit is damage */
static uint8_t *TELEM_I_FILE_N(telem_i_file_put_value)(uint8_t *p, const uint8_t *end, TELEM_I_FILE_T v) {
    return telem_i_file_put_varint(p, end, TELEM_I_FILE_N(telem_i_file_zig)(v));
}
static const uint8_t *TELEM_I_FILE_N(telem_i_file_get_value)(const uint8_t *p, const uint8_t *end, TELEM_I_FILE_T *v) {
    uint64_t z = 0;
    p = telem_i_file_get_varint(p, end, &z);
    if (!p || telem_i_file_bit_length(z) > TELEM_I_FILE_W) return NULL;
    *v = TELEM_I_FILE_N(telem_i_file_zag)((TELEM_I_FILE_T)z);
    return p;
}

/* --- predictors --- */

/* How many values stand before the residuals. */
static uint32_t TELEM_I_FILE_N(telem_i_file_heads)(uint32_t kind) {
    return kind <= 3 ? kind : kind - (TELEM_I_FILE_LAG - 1);
}

/* The residuals of x[from .. from + n): needs the history before them. */
static void TELEM_I_FILE_N(telem_i_file_differ)(const TELEM_I_FILE_T *x, uint32_t n, uint32_t kind, uint32_t lag, TELEM_I_FILE_T *r) {
    uint32_t i;
    const TELEM_I_FILE_T *y = x - lag;
    switch (kind) {
    case 0: memcpy(r, x, n * sizeof x[0]); break;
    case 1: for (i = 0; i < n; i++) r[i] = x[i] - (x - 1)[i]; break;
    case 2: for (i = 0; i < n; i++) r[i] = x[i] - 2u * (x - 1)[i] + (x - 2)[i]; break;
    case 3: for (i = 0; i < n; i++) r[i] = x[i] - 3u * ((x - 1)[i] - (x - 2)[i]) - (x - 3)[i]; break;
    case TELEM_I_FILE_LAG: for (i = 0; i < n; i++) r[i] = x[i] - y[i]; break;
    default: for (i = 0; i < n; i++) r[i] = x[i] - (x - 1)[i] - (y[i] - (y - 1)[i]); break;
    }
}

/* All residuals: r[0 .. n - heads). A lag reaches back to the first value (delta) until it has L of them. */
static void TELEM_I_FILE_N(telem_i_file_residuals)(const TELEM_I_FILE_T *x, uint32_t n, uint32_t kind, uint32_t lag, TELEM_I_FILE_T *r) {
    uint32_t i, h = TELEM_I_FILE_N(telem_i_file_heads)(kind);
    if (kind == TELEM_I_FILE_LAG) {
        for (i = 1; i < lag; i++) *r++ = x[i] - x[0];
        h = lag;
    } else if (kind == TELEM_I_FILE_LAG_DELTA) {
        for (i = 2; i <= lag; i++) *r++ = x[i] - x[i - 1] - (x[1] - x[0]);
        h = lag + 1;
    }
    TELEM_I_FILE_N(telem_i_file_differ)(x + h, n - h, kind, lag, r);
}

static void TELEM_I_FILE_N(telem_i_file_sum)(TELEM_I_FILE_T *x, uint32_t n, TELEM_I_FILE_T at) {
    uint32_t i = 0;
#if TELEM_I_FILE_W == 32 && defined(TELEM_I_FILE_V4)
    telem_i_file_v4 carry = {at, at, at, at};
    const telem_i_file_v4 none = {0, 0, 0, 0};
    for (; n - i >= 8u; i += 8u) {
        telem_i_file_v4 a, b;
        memcpy(&a, x + i, sizeof a);
        memcpy(&b, x + i + 4, sizeof b);
        a += TELEM_I_FILE_V4(none, a, 0, 4, 5, 6);
        b += TELEM_I_FILE_V4(none, b, 0, 4, 5, 6);
        a += TELEM_I_FILE_V4(none, a, 0, 1, 4, 5);
        b += TELEM_I_FILE_V4(none, b, 0, 1, 4, 5);
        b += TELEM_I_FILE_V4(a, a, 3, 3, 3, 3);
        a += carry;
        b += carry;
        carry = TELEM_I_FILE_V4(b, b, 3, 3, 3, 3);
        memcpy(x + i, &a, sizeof a);
        memcpy(x + i + 4, &b, sizeof b);
    }
    at = carry[0];
#endif
    for (; i < n; i++) x[i] = at += x[i];
}

/* x[i] += x[i - lag], eight at a time where these do not need each other. */
static void TELEM_I_FILE_N(telem_i_file_add_lag)(TELEM_I_FILE_T *x, uint32_t i, uint32_t n, uint32_t lag) {
    if (lag >= 8u)
        for (; n - i >= 8u; i += 8u) {
            TELEM_I_FILE_T t[8], *to = x + i;
            const TELEM_I_FILE_T *from = to - lag;
            uint32_t j;
            for (j = 0; j < 8u; j++) t[j] = to[j] + from[j];
            for (j = 0; j < 8u; j++) to[j] = t[j];
        }
    for (; i < n; i++) x[i] += x[i - lag];
}

/* Residuals at x[heads ..], heads at x[0 ..] as differences (value, delta, delta of delta): makes values. */
static void TELEM_I_FILE_N(telem_i_file_integrate)(TELEM_I_FILE_T *x, uint32_t n, uint32_t kind, uint32_t lag) {
    TELEM_I_FILE_T a = x[0], b, c;
    uint32_t i;
    switch (kind) {
    case 0: break;
    case 1: TELEM_I_FILE_N(telem_i_file_sum)(x + 1, n - 1, a); break;
    case 2:
        b = x[1];
        x[1] = a += b;
        for (i = 2; i < n; i++) b += x[i], x[i] = a += b;
        break;
    case 3:
        b = x[1], c = x[2];
        x[1] = a += b;
        b += c;
        x[2] = a += b;
        for (i = 3; i < n; i++) c += x[i], b += c, x[i] = a += b;
        break;
    case TELEM_I_FILE_LAG:
        for (i = 1; i < lag; i++) x[i] += a;
        TELEM_I_FILE_N(telem_i_file_add_lag)(x, lag, n, lag);
        break;
    default:
        b = x[1];
        for (i = 2; i <= lag; i++) x[i] += b;
        TELEM_I_FILE_N(telem_i_file_add_lag)(x, lag + 1u, n, lag);
        TELEM_I_FILE_N(telem_i_file_sum)(x + 1, n - 1, a);
        break;
    }
}

/* --- packing at a fixed width --- */

/* Values of w bits in lanes of W-bit words, W values a lane: value j * lanes + l is the w bits from j * w of
   lane l, whose word q is word q * lanes + l. The inner loops run over lanes and vectorise. */
TELEM_I_FILE_INLINE void TELEM_I_FILE_N(telem_i_file_pack_lanes)(const TELEM_I_FILE_T *in, uint32_t lanes, uint32_t w, TELEM_I_FILE_T *words) {
    uint32_t j, l;
    memset(words, 0, (size_t)lanes * w * sizeof words[0]);
    for (j = 0; j < TELEM_I_FILE_W; j++) {
        uint32_t q = j * w / TELEM_I_FILE_W, s = j * w % TELEM_I_FILE_W;
        const TELEM_I_FILE_T *x = in + j * lanes;
        TELEM_I_FILE_T *d = words + q * lanes, *e = d + lanes;
        for (l = 0; l < lanes; l++) d[l] |= x[l] << s;
        if (s + w > TELEM_I_FILE_W)
            for (l = 0; l < lanes; l++) e[l] = x[l] >> (TELEM_I_FILE_W - s);
    }
}
TELEM_I_FILE_INLINE void TELEM_I_FILE_N(telem_i_file_unpack_lanes)(const uint8_t *p, uint32_t lanes, uint32_t w, TELEM_I_FILE_T *out) {
    const TELEM_I_FILE_T mask = (TELEM_I_FILE_T)telem_i_file_low(~(uint64_t)0, w);
    const size_t word = sizeof out[0];
    uint32_t j, l;
    for (j = 0; j < TELEM_I_FILE_W; j++) {
        uint32_t q = j * w / TELEM_I_FILE_W, s = j * w % TELEM_I_FILE_W;
        const uint8_t *x = p + q * lanes * word, *y = x + lanes * word;
        TELEM_I_FILE_T *d = out + j * lanes;
        if (s + w <= TELEM_I_FILE_W)
            for (l = 0; l < lanes; l++) d[l] = (TELEM_I_FILE_GET(x + l * word) >> s) & mask;
        else
            for (l = 0; l < lanes; l++)
                d[l] = (TELEM_I_FILE_GET(x + l * word) >> s | TELEM_I_FILE_GET(y + l * word) << (TELEM_I_FILE_W - s)) & mask;
    }
}

/* n <= 1,024 values of w bits (1 .. W) as ceil(n * w / 8) bytes: whole lanes, then a bit string of the rest. */
static uint8_t *TELEM_I_FILE_N(telem_i_file_pack)(const TELEM_I_FILE_T *in, uint32_t n, uint32_t w, TELEM_I_FILE_T *words, uint8_t *p) {
    uint32_t lanes = n / TELEM_I_FILE_W, i, m = lanes * w;
    telem_i_file_bits o;
    if (lanes == TELEM_I_FILE_VECTOR / TELEM_I_FILE_W)
        TELEM_I_FILE_N(telem_i_file_pack_lanes)(in, TELEM_I_FILE_VECTOR / TELEM_I_FILE_W, w, words);
    else
        TELEM_I_FILE_N(telem_i_file_pack_lanes)(in, lanes, w, words);
    for (i = 0; i < m; i++) TELEM_I_FILE_SET(p + i * sizeof words[0], words[i]);
    o.p = p + m * sizeof words[0], o.cap = (size_t)-1, o.at = 0, o.full = 0;
    for (i = lanes * TELEM_I_FILE_W; i < n; i++) telem_i_file_bits_put(&o, in[i], w);
    return o.p + ((o.at + 7u) >> 3);
}
static void TELEM_I_FILE_N(telem_i_file_unpack)(const uint8_t *p, uint32_t n, uint32_t w, TELEM_I_FILE_T *out) {
    uint32_t lanes = n / TELEM_I_FILE_W, i = lanes * TELEM_I_FILE_W;
    telem_i_file_bitr in;
    if (lanes == TELEM_I_FILE_VECTOR / TELEM_I_FILE_W)
        TELEM_I_FILE_N(telem_i_file_unpack_lanes)(p, TELEM_I_FILE_VECTOR / TELEM_I_FILE_W, w, out);
    else
        TELEM_I_FILE_N(telem_i_file_unpack_lanes)(p, lanes, w, out);
    in.p = p + (size_t)lanes * w * sizeof out[0], in.size = (size_t)(n - i) * w, in.at = 0, in.bad = 0;
    for (; i < n; i++) out[i] = (TELEM_I_FILE_T)telem_i_file_bits_get(&in, w);
}

/* --- coder: packed --- */

typedef struct TELEM_I_FILE_N(telem_i_file_vector) {
    TELEM_I_FILE_T least, most;
    uint32_t top, width, over; /* bits of the largest, of all but the exceptions, and how many those are */
} TELEM_I_FILE_N(telem_i_file_vector);

static void TELEM_I_FILE_N(telem_i_file_range)(const TELEM_I_FILE_T *r, uint32_t n, TELEM_I_FILE_T *least, TELEM_I_FILE_T *most) {
    TELEM_I_FILE_S lo = (TELEM_I_FILE_S)r[0], hi = lo;
    uint32_t i = 0;
#if TELEM_I_FILE_W == 32 && defined(TELEM_I_FILE_V4)
    if (n >= 64u) {
        int32_t ends[8];
        i = telem_i_file_ends4(r, n, ends);
        lo = ends[0], hi = ends[4];
        for (n -= i, r += i, i = 1; i < 4u; i++) {
            lo = ends[i] < lo ? ends[i] : lo;
            hi = ends[4u + i] > hi ? ends[4u + i] : hi;
        }
        i = 0;
    }
#endif
    for (; i < n; i++) {
        TELEM_I_FILE_S v = (TELEM_I_FILE_S)r[i];
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
    }
    *least = (TELEM_I_FILE_T)lo;
    *most = (TELEM_I_FILE_T)hi;
}

/* The width of a vector whose range is known, from the bit lengths of some hundred values. */
static void TELEM_I_FILE_N(telem_i_file_measure)(const telem_i_file_codec *k, const TELEM_I_FILE_T *r, uint32_t n,
                                                 TELEM_I_FILE_N(telem_i_file_vector) *v) {
    TELEM_I_FILE_T most;
    uint32_t hist[66], i, cost, step = n / (k->level == 1u ? 64u : 128u) + 1u, over = 0;
    v->top = v->width = telem_i_file_bit_length((TELEM_I_FILE_T)(v->most - v->least));
    v->over = 0;
    if (v->top < 3u || (k->off & TELEM_I_FILE_OFF_PATCH)) return;
    memset(hist, 0, sizeof hist);
    for (i = 0; i < n; i += step) hist[telem_i_file_bit_length((TELEM_I_FILE_T)(r[i] - v->least))]++;
    v->width = telem_i_file_best_width(hist, (n + step - 1u) / step, v->top, &cost);
    if (v->width == v->top) return;
    most = (TELEM_I_FILE_T)telem_i_file_low(~(uint64_t)0, v->width);
    for (i = 0; i < n; i++) over += (TELEM_I_FILE_T)(r[i] - v->least) > most;
    v->over = over;
    if (over * (10u + v->top - v->width) + 24u >= n * (v->top - v->width)) v->width = v->top, v->over = 0;
}

static uint32_t TELEM_I_FILE_N(telem_i_file_vector_bytes)(const TELEM_I_FILE_N(telem_i_file_vector) *v, uint32_t n) {
    return 3u + (n * v->width + 7u) / 8u + (v->over ? 4u + (v->over * (10u + v->top - v->width) + 7u) / 8u : 0u);
}

static uint8_t *TELEM_I_FILE_N(telem_i_file_put_over)(const TELEM_I_FILE_T *r, uint32_t n, const TELEM_I_FILE_N(telem_i_file_vector) *v,
                                                      uint8_t *p, const uint8_t *end) {
    TELEM_I_FILE_T most = (TELEM_I_FILE_T)telem_i_file_low(~(uint64_t)0, v->width);
    telem_i_file_bits o;
    uint32_t i;
    p = telem_i_file_put_varint(p, end, v->over);
    *p++ = (uint8_t)(v->top - v->width);
    o.p = p, o.cap = (size_t)(end - p) * 8u, o.at = 0, o.full = 0;
    for (i = 0; i < n;) {
        TELEM_I_FILE_T u, any = 0;
        uint32_t j, to = n - i < 16u ? n : i + 16u;
        for (j = i; to - i == 16u && j < i + 16u; j++) any |= (TELEM_I_FILE_T)(r[j] - v->least) & ~most;
        if (to - i == 16u && !any) i = to;
        for (; i < to; i++) {
            u = r[i] - v->least;
            if (u <= most) continue;
            telem_i_file_bits_put(&o, i, 10);
            telem_i_file_bits_put(&o, u >> v->width, v->top - v->width);
        }
    }
    return o.full ? NULL : p + ((o.at + 7u) >> 3);
}

static uint8_t *TELEM_I_FILE_N(telem_i_file_put_vector)(telem_i_file_codec *k, const TELEM_I_FILE_T *r, uint32_t n,
                                                        const TELEM_I_FILE_N(telem_i_file_vector) *v, TELEM_I_FILE_T before, uint8_t *p,
                                                        const uint8_t *end) {
    const TELEM_I_FILE_T least = v->least;
    uint32_t i;
    if (!p || (size_t)(end - p) < TELEM_I_FILE_N(telem_i_file_vector_bytes)(v, n) + 32u) return NULL;
    *p++ = (uint8_t)(v->width | (v->over ? 0x80u : 0u));
    p = TELEM_I_FILE_N(telem_i_file_put_value)(p, end, least - before);
    if (p && v->over) p = TELEM_I_FILE_N(telem_i_file_put_over)(r, n, v, p, end);
    if (!p || !v->width) return p;
    if (v->width <= 32u) {
        uint32_t *t = (uint32_t *)k->table, mask = (uint32_t)telem_i_file_low(~(uint64_t)0, v->width);
        for (i = 0; i < n; i++) t[i] = (uint32_t)(r[i] - least) & mask;
        return telem_i_file_pack32(t, n, v->width, t + TELEM_I_FILE_VECTOR, p);
    } else {
        TELEM_I_FILE_T *t = (TELEM_I_FILE_T *)k->table, mask = (TELEM_I_FILE_T)telem_i_file_low(~(uint64_t)0, v->width);
        for (i = 0; i < n; i++) t[i] = (r[i] - least) & mask;
        return TELEM_I_FILE_N(telem_i_file_pack)(t, n, v->width, t + TELEM_I_FILE_VECTOR, p);
    }
}

#define TELEM_I_FILE_PART(n, at) ((n) - (at) < TELEM_I_FILE_VECTOR ? (n) - (at) : TELEM_I_FILE_VECTOR)
/* Ranges of all vectors, and of the whole. */
static void TELEM_I_FILE_N(telem_i_file_ranges)(const TELEM_I_FILE_T *r, uint32_t n, TELEM_I_FILE_N(telem_i_file_vector) *v, TELEM_I_FILE_T *least,
                                                TELEM_I_FILE_T *most) {
    uint32_t at;
    *least = *most = r[0];
    for (at = 0; at < n; at += TELEM_I_FILE_VECTOR, v++) {
        TELEM_I_FILE_N(telem_i_file_range)(r + at, TELEM_I_FILE_PART(n, at), &v->least, &v->most);
        if ((TELEM_I_FILE_S)v->least < (TELEM_I_FILE_S)*least) *least = v->least;
        if ((TELEM_I_FILE_S)v->most > (TELEM_I_FILE_S)*most) *most = v->most;
    }
}
/* Measures all vectors. The bytes that they will take. */
static uint64_t TELEM_I_FILE_N(telem_i_file_packed_bytes)(const telem_i_file_codec *k, const TELEM_I_FILE_T *r, uint32_t n,
                                                          TELEM_I_FILE_N(telem_i_file_vector) *v) {
    uint64_t sum = 0;
    uint32_t at;
    for (at = 0; at < n; at += TELEM_I_FILE_VECTOR, v++) {
        TELEM_I_FILE_N(telem_i_file_measure)(k, r + at, TELEM_I_FILE_PART(n, at), v);
        sum += TELEM_I_FILE_N(telem_i_file_vector_bytes)(v, TELEM_I_FILE_PART(n, at));
    }
    return sum;
}

static uint8_t *TELEM_I_FILE_N(telem_i_file_put_packed)(telem_i_file_codec *k, const TELEM_I_FILE_T *r, uint32_t n,
                                                        const TELEM_I_FILE_N(telem_i_file_vector) *v, uint8_t *p, const uint8_t *end) {
    TELEM_I_FILE_T before = 0;
    uint32_t at;
    for (at = 0; at < n && p; at += TELEM_I_FILE_VECTOR, v++) {
        p = TELEM_I_FILE_N(telem_i_file_put_vector)(k, r + at, TELEM_I_FILE_PART(n, at), v, before, p, end);
        before = v->least;
    }
    return p;
}

static const uint8_t *TELEM_I_FILE_N(telem_i_file_get_vector)(telem_i_file_codec *k, const uint8_t *p, const uint8_t *end, uint32_t n,
                                                              TELEM_I_FILE_T *before, TELEM_I_FILE_T *out) {
    uint32_t w, i, high = 0;
    uint64_t over = 0;
    telem_i_file_bitr in;
    if (!p || p == end) return NULL;
    w = *p++;
    memset(&in, 0, sizeof in);
    p = TELEM_I_FILE_N(telem_i_file_get_value)(p, end, &out[0]);
    if (!p || (w & 0x7Fu) > TELEM_I_FILE_W) return NULL;
    *before += out[0];
    if (w & 0x80u) {
        w &= 0x7Fu;
        p = telem_i_file_get_varint(p, end, &over);
        if (!p || p == end || over > n) return NULL;
        high = *p++;
        if (!high || high + w > TELEM_I_FILE_W) return NULL;
        in.p = p, in.size = (size_t)over * (10u + high);
        if ((in.size + 7u) / 8u > (size_t)(end - p)) return NULL;
        p += (in.size + 7u) / 8u;
    }
    if (((size_t)n * w + 7u) / 8u > (size_t)(end - p)) return NULL;
    if (!w) {
        for (i = 0; i < n; i++) out[i] = *before;
    } else if (w <= 32u) {
        uint32_t *t = (uint32_t *)k->table;
        telem_i_file_unpack32(p, n, w, t);
        for (i = 0; i < n; i++) out[i] = t[i] + *before;
    } else {
        TELEM_I_FILE_N(telem_i_file_unpack)(p, n, w, out);
        for (i = 0; i < n; i++) out[i] += *before;
    }
    while (over--) {
        uint32_t at = (uint32_t)telem_i_file_bits_get(&in, 10);
        TELEM_I_FILE_T u = (TELEM_I_FILE_T)telem_i_file_bits_get(&in, high);
        if (at >= n) return NULL;
        out[at] += u << w;
    }
    return p + ((size_t)n * w + 7u) / 8u;
}

static const uint8_t *TELEM_I_FILE_N(telem_i_file_get_packed)(telem_i_file_codec *k, const uint8_t *p, const uint8_t *end, uint32_t n, TELEM_I_FILE_T *out) {
    TELEM_I_FILE_T before = 0;
    uint32_t at;
    for (at = 0; at < n && p; at += TELEM_I_FILE_VECTOR)
        p = TELEM_I_FILE_N(telem_i_file_get_vector)(k, p, end, TELEM_I_FILE_PART(n, at), &before, out + at);
    return p;
}

/* --- coder: binned --- */

/* Residual to u, what the bins divide: its zigzag distance from the centre, or its distance from the least. */
static inline TELEM_I_FILE_T TELEM_I_FILE_N(telem_i_file_distance)(TELEM_I_FILE_T r, TELEM_I_FILE_T base, int zigzag) {
    TELEM_I_FILE_T d = r - base;
    return zigzag ? TELEM_I_FILE_N(telem_i_file_zig)(d) : d;
}

/* The grid for residuals between least and most: from the least value when all can be told apart, else out of
   the middle. */
static void TELEM_I_FILE_N(telem_i_file_make_grid)(const telem_i_file_codec *k, TELEM_I_FILE_T least, TELEM_I_FILE_T most, TELEM_I_FILE_T middle,
                                                   uint32_t n, telem_i_file_grid *g) {
    TELEM_I_FILE_T range = most - least, a, b;
    g->fine = n < 1024u ? 2u : n < 4096u ? 4u : 5u;
    if (k->level == 2u) g->fine = TELEM_I_FILE_FINEST;
    g->zigzag = range >= (64u << g->fine) || range >= n;
    if (!g->zigzag) {
        g->base = least, g->most = range, g->fine = TELEM_I_FILE_DIRECT;
    } else {
        a = TELEM_I_FILE_N(telem_i_file_distance)(least, middle, 1);
        b = TELEM_I_FILE_N(telem_i_file_distance)(most, middle, 1);
        g->base = middle, g->most = a > b ? a : b;
        if (range >> TELEM_I_FILE_TOP) g->most = (TELEM_I_FILE_T)0 - 1u; /* distances may wrap */
    }
    g->cells = telem_i_file_class_of(g->most, g->fine) + 1u;
}

/* Every number's cell, and how many are in each (added; two counters each, since neighbours are often alike and
   an increment takes its time). */
static void TELEM_I_FILE_N(telem_i_file_classify)(const TELEM_I_FILE_T *u, uint32_t n, const telem_i_file_grid *g, uint16_t *cls, uint32_t *hist) {
    uint32_t *other = hist + TELEM_I_FILE_CLASSES, i;
    if (g->fine == TELEM_I_FILE_DIRECT) {
        for (i = 0; i < n; i++) cls[i] = (uint16_t)u[i];
#if TELEM_I_FILE_W == 32
    } else if (g->most >> 31 == 0) { /* the octave out of a float's exponent: a loop that vectorises. With a zero
                                        below the 16 leading bits, rounding cannot reach these */
        const uint32_t drop = 23u - g->fine;
        const int32_t from = (int32_t)((127u << g->fine) - 1u);
        for (i = 0; i < n; i++) {
            float f = (float)(int32_t)(u[i] & ~(u[i] >> 16));
            int32_t c;
            memcpy(&c, &f, sizeof c);
            c = (c >> drop) - from;
            cls[i] = (uint16_t)(c > 0 ? c : 0);
        }
#endif
    } else {
        for (i = 0; i < n; i++) cls[i] = (uint16_t)telem_i_file_class_of(u[i], g->fine);
    }
    for (i = 0; i + 1u < n; i += 2u) hist[cls[i]]++, other[cls[i + 1u]]++;
    if (i < n) hist[cls[i]]++;
}

/* Values go in last to first, so that they come out first to last; the bits grow downwards from the end of
   what there is room for. Value i belongs to state i mod WAYS: neighbours do not wait for each other. */
typedef struct TELEM_I_FILE_N(telem_i_file_sink) {
    uint8_t *p;
    const uint8_t *floor; /* p - 32 may not pass it */
    uint64_t acc;
    uint32_t count; /* bits of acc that are not in memory yet, < 8 between two writes */
    const telem_i_file_work *work;
    const uint16_t *cls;
    const TELEM_I_FILE_T *u;
    uint32_t state[TELEM_I_FILE_WAYS];
} TELEM_I_FILE_N(telem_i_file_sink);

/* n <= 56 bits more; whole bytes go to memory. */
#define TELEM_I_FILE_BITS(v, n)                                     \
    do {                                                            \
        acc = acc << (n) | (v);                                     \
        count += (n);                                               \
        telem_i_file_set64(p - 8, (acc << 1) << (63u - count));     \
        p -= count >> 3;                                            \
        count &= 7u;                                                \
    } while (0)
#if TELEM_I_FILE_W == 64
#define TELEM_I_FILE_WIDE(offset, width)                            \
    if ((width) > 32u) {                                            \
        TELEM_I_FILE_BITS((offset) >> 32, (width) - 32u);           \
        (offset) &= 0xFFFFFFFFu;                                    \
        (width) = 32;                                               \
    }
#else
#define TELEM_I_FILE_WIDE(offset, width)
#endif
/* Value i out of state x: its bits v, n of them (the offset in its bin above what the state gives); x moves on. */
#define TELEM_I_FILE_PUSH(i, x, v, n)                                                                      \
    do {                                                                                                   \
        const telem_i_file_symbol *y = symbol + bin_of[cls[i]];                                            \
        const uint32_t few = ((x) + y->bits) >> 16;                                                        \
        uint64_t offset = (TELEM_I_FILE_T)(u[i] - (TELEM_I_FILE_T)y->low);                                 \
        (n) = y->width;                                                                                    \
        TELEM_I_FILE_WIDE(offset, n)                                                                       \
        (v) = offset << few | ((x) & (uint32_t)TELEM_I_FILE_MASK(few));                                    \
        (n) += few;                                                                                        \
        (x) = next[(uint16_t)(((x) >> few) + y->go)];                                                      \
    } while (0)

/* The same where bins hold one number. */
#define TELEM_I_FILE_BARE(i, x, v, n)                                                                      \
    do {                                                                                                   \
        const telem_i_file_symbol *y = symbol + bin_of[cls[i]];                                            \
        (n) = ((x) + y->bits) >> 16;                                                                       \
        (v) = (x) & (uint32_t)TELEM_I_FILE_MASK(n);                                                        \
        (x) = next[(uint16_t)(((x) >> (n)) + y->go)];                                                      \
    } while (0)

/* `per` values between two writes; 0: bins hold one number. */
TELEM_I_FILE_INLINE int TELEM_I_FILE_N(telem_i_file_push_all)(TELEM_I_FILE_N(telem_i_file_sink) *s, uint32_t from, uint32_t n, uint32_t per) {
    const telem_i_file_symbol *symbol = s->work->encoder.symbol;
    const uint16_t *next = s->work->encoder.next, *cls = s->cls + from + n;
    const uint8_t *bin_of = s->work->bin_of, *floor = s->floor;
    const TELEM_I_FILE_T *u = s->u + from + n;
    uint32_t x0 = s->state[0], x1 = s->state[1], x2 = s->state[2], x3 = s->state[3], count = s->count, a, b;
    uint64_t acc = s->acc, v, z;
    uint8_t *p = s->p;
    for (; n % 4u; n--) { /* at most three: out of state n - 1 mod 4 */
        if (p - floor < 64) return 0;
        cls--, u--;
        if (n % 4u == 3u) TELEM_I_FILE_PUSH(0, x2, v, a);
        else if (n % 4u == 2u) TELEM_I_FILE_PUSH(0, x1, v, a);
        else TELEM_I_FILE_PUSH(0, x0, v, a);
        TELEM_I_FILE_BITS(v, a);
    }
    for (; n; n -= 4u) {
        if (p - floor < 64) return 0;
        cls -= 4, u -= 4;
        if (per == 0u) {
            uint32_t c;
            TELEM_I_FILE_BARE(3, x3, v, a);
            TELEM_I_FILE_BARE(2, x2, z, b);
            v = v << b | z, a += b;
            TELEM_I_FILE_BARE(1, x1, z, b);
            v = v << b | z, a += b;
            TELEM_I_FILE_BARE(0, x0, z, c);
            v = v << c | z, a += c;
            TELEM_I_FILE_BITS(v, a);
            continue;
        }
        TELEM_I_FILE_PUSH(3, x3, v, a);
        if (per == 1u) TELEM_I_FILE_BITS(v, a);
        TELEM_I_FILE_PUSH(2, x2, z, b);
        if (per == 1u) TELEM_I_FILE_BITS(z, b);
        else v = v << b | z, a += b;
        if (per == 2u) TELEM_I_FILE_BITS(v, a);
        if (per == 4u) {
            uint64_t t;
            uint32_t c;
            TELEM_I_FILE_PUSH(1, x1, z, b);
            TELEM_I_FILE_PUSH(0, x0, t, c);
            z = z << c | t, b += c;
            v = v << b | z, a += b;
            TELEM_I_FILE_BITS(v, a);
            continue;
        }
        TELEM_I_FILE_PUSH(1, x1, v, a);
        if (per == 1u) TELEM_I_FILE_BITS(v, a);
        TELEM_I_FILE_PUSH(0, x0, z, b);
        if (per == 1u) TELEM_I_FILE_BITS(z, b);
        else v = v << b | z, a += b;
        if (per == 2u) TELEM_I_FILE_BITS(v, a);
    }
    s->p = p, s->acc = acc, s->count = count;
    s->state[0] = x0, s->state[1] = x1, s->state[2] = x2, s->state[3] = x3;
    return 1;
}
#undef TELEM_I_FILE_BITS
#undef TELEM_I_FILE_WIDE
#undef TELEM_I_FILE_PUSH
#undef TELEM_I_FILE_BARE

/* One string of the values u[from .. from + n), below what is at p. The states go to `state`. */
static uint8_t *TELEM_I_FILE_N(telem_i_file_push_string)(const telem_i_file_work *w, const TELEM_I_FILE_T *u, const uint16_t *cls, uint32_t from,
                                                         uint32_t n, uint8_t *p, const uint8_t *floor, uint32_t *state, uint32_t *unused) {
    TELEM_I_FILE_N(telem_i_file_sink) s;
    uint32_t i, most = w->bins.wide + w->bins.log, states = 1u << w->bins.log;
    int ok;
    s.p = p, s.floor = floor, s.acc = 0, s.count = 0, s.work = w, s.cls = cls, s.u = u;
    for (i = 0; i < TELEM_I_FILE_WAYS; i++) s.state[i] = states;
    ok = !w->bins.wide ? TELEM_I_FILE_N(telem_i_file_push_all)(&s, from, n, 0)
         : most <= 14u ? TELEM_I_FILE_N(telem_i_file_push_all)(&s, from, n, 4)
         : most <= 28u ? TELEM_I_FILE_N(telem_i_file_push_all)(&s, from, n, 2)
                       : TELEM_I_FILE_N(telem_i_file_push_all)(&s, from, n, 1);
    if (!ok) return NULL;
    *unused = (8u - s.count) & 7u;
    if (s.count) *--s.p = (uint8_t)(s.acc << *unused);
    for (i = 0; i < TELEM_I_FILE_WAYS; i++) state[i] = s.state[i] - states;
    return s.p;
}

/* value base; bits: zigzag 1, log - 6 3, top 7, the tree, the states (log bits each), 3 for each string: how many
   bits of its first byte are unused; varint length of the first of two; the strings. The work area is planned. */
static uint8_t *TELEM_I_FILE_N(telem_i_file_put_binned)(telem_i_file_codec *k, const TELEM_I_FILE_T *u, uint32_t n, const telem_i_file_grid *g,
                                                        uint8_t *p, uint8_t *end) {
    telem_i_file_work *w = (telem_i_file_work *)k->table;
    const uint16_t *cls = (const uint16_t *)(const void *)k->b32;
    telem_i_file_bits o;
    uint8_t *q = end, *second = NULL;
    const uint8_t *floor;
    uint32_t i, first = TELEM_I_FILE_FIRST(n), strings = first < n ? 2u : 1u, state[2u * TELEM_I_FILE_WAYS], unused[2];
    if (end - p < 64) return NULL;
    o.p = p, o.cap = (size_t)(end - p) * 8u, o.at = 0, o.full = 0;
    telem_i_file_put_bins(w, g->zigzag, &o);
    if (o.full) return NULL;
    floor = p + ((o.at + 7u) >> 3) + 40u + TELEM_I_FILE_WAYS * 4u;
    if (strings == 2u) q = second = TELEM_I_FILE_N(telem_i_file_push_string)(w, u, cls, first, n - first, q, floor, state + 4, unused + 1);
    if (q) q = TELEM_I_FILE_N(telem_i_file_push_string)(w, u, cls, 0, first, q, floor, state, unused);
    if (!q) return NULL;
    for (i = 0; i < strings * TELEM_I_FILE_WAYS; i++) telem_i_file_bits_put(&o, state[i], w->bins.log);
    for (i = 0; i < strings; i++) telem_i_file_bits_put(&o, unused[i], 3);
    p += (o.at + 7u) >> 3;
    if (strings == 2u) p += telem_varint_put(p, (uint64_t)(second - q));
    if ((size_t)(end - q) > (size_t)n * (w->bins.top <= 32u ? 4u : 8u) + TELEM_I_FILE_PAYLOAD_OVER) return NULL;
    memmove(p, q, (size_t)(end - q));
    return p + (end - q);
}

/* Bins for residuals, where these come below `bits` (1/256). NULL: no, or there is no room; the residuals are
   as they were. */
static uint8_t *TELEM_I_FILE_N(telem_i_file_try_binned)(telem_i_file_codec *k, TELEM_I_FILE_T *r, uint32_t n, const telem_i_file_grid *g,
                                                        uint64_t bits, uint8_t *p, uint8_t *end) {
    telem_i_file_work *w = (telem_i_file_work *)k->table;
    const TELEM_I_FILE_T base = (TELEM_I_FILE_T)g->base;
    uint16_t *cls = (uint16_t *)(void *)k->b32;
#if TELEM_I_FILE_W == 64
    uint32_t *narrow = k->b32 + k->cap / 2u + 512u; /* behind the cells */
#endif
    uint32_t at, m, i;
    uint8_t *q = NULL;
    memset(w->hist, 0, g->cells * sizeof w->hist[0]);
    memset(w->hist + TELEM_I_FILE_CLASSES, 0, g->cells * sizeof w->hist[0]);
    for (at = 0; at < n; at += m) {
        TELEM_I_FILE_T *u = r + at;
        m = n - at < 1024u ? n - at : 1024u;
        if (g->zigzag)
            for (i = 0; i < m; i++) u[i] = TELEM_I_FILE_N(telem_i_file_zig)((TELEM_I_FILE_T)(u[i] - base));
        else
            for (i = 0; i < m; i++) u[i] -= base;
#if TELEM_I_FILE_W == 64
        if (g->most >> 32 == 0) {
            for (i = 0; i < m; i++) narrow[at + i] = (uint32_t)u[i];
            telem_i_file_classify32(narrow + at, m, g, cls + at, w->hist);
            continue;
        }
#endif
        TELEM_I_FILE_N(telem_i_file_classify)(u, m, g, cls + at, w->hist);
    }
    for (i = 0; i < g->cells; i++) w->hist[i] += w->hist[TELEM_I_FILE_CLASSES + i];
    if (telem_i_file_plan_bins(w, g, n) + 10u * 8u * 256u < bits) {
        q = TELEM_I_FILE_N(telem_i_file_put_value)(p, end, base);
#if TELEM_I_FILE_W == 64
        if (q && g->most >> 32 == 0) q = telem_i_file_put_binned32(k, narrow, n, g, q, end);
        else
#endif
        if (q) q = TELEM_I_FILE_N(telem_i_file_put_binned)(k, r, n, g, q, end);
    }
    if (q) return q;
    if (g->zigzag)
        for (i = 0; i < n; i++) r[i] = TELEM_I_FILE_N(telem_i_file_zag)(r[i]) + base;
    else
        for (i = 0; i < n; i++) r[i] += base;
    return NULL;
}

/* Values are pulled from a copy that has SLACK bytes behind it; the end is looked at every CHUNK values. */
#define TELEM_I_FILE_CHUNK 32u
#define TELEM_I_FILE_PULL_SLACK (TELEM_I_FILE_CHUNK * 10u + 16u)

/* The next 57 bits or more; one value out of them and the state that it came from. */
#define TELEM_I_FILE_NEAR(n) TELEM_I_FILE_MASK_IN(table + TELEM_I_FILE_STATES, n)
#define TELEM_I_FILE_LOOK(p, v, a) v = telem_i_file_get64((p) + ((a) >> 3)) >> ((a)&7u)
#if TELEM_I_FILE_W == 32
#define TELEM_I_FILE_VALUE(v, e, to) (to) = (e)->low + (uint32_t)(((v)&TELEM_I_FILE_NEAR((e)->all)) >> (e)->few)
#else
#define TELEM_I_FILE_VALUE(v, e, to) (to) = low[(e)->low] + (((v)&TELEM_I_FILE_NEAR((e)->all)) >> (e)->few)
#endif
#define TELEM_I_FILE_PULL(s, a, to)                                \
    do {                                                           \
        const telem_i_file_state *e = table + (s);                 \
        TELEM_I_FILE_VALUE(v, e, to);                              \
        (s) = e->next + (size_t)(v & TELEM_I_FILE_NEAR(e->few)); \
        (a) += e->all;                                             \
        v >>= e->all & 63u;                                        \
    } while (0)
#define TELEM_I_FILE_BARE(s, a, to) /* bins of one number */       \
    do {                                                           \
        const telem_i_file_state *e = table + (s);                 \
        (to) = (TELEM_I_FILE_T)e->low;                             \
        (s) = e->next + (size_t)(v & TELEM_I_FILE_NEAR(e->few)); \
        (a) += e->few;                                             \
        v >>= e->few;                                              \
    } while (0)
#define TELEM_I_FILE_PULL4(p, a, s, to)             \
    do {                                            \
        uint64_t v;                                 \
        TELEM_I_FILE_LOOK(p, v, a);                 \
        if (per == 0u) {                            \
            TELEM_I_FILE_BARE(s##0, a, (to)[0]);    \
            TELEM_I_FILE_BARE(s##1, a, (to)[1]);    \
            TELEM_I_FILE_BARE(s##2, a, (to)[2]);    \
            TELEM_I_FILE_BARE(s##3, a, (to)[3]);    \
            break;                                  \
        }                                           \
        TELEM_I_FILE_PULL(s##0, a, (to)[0]);        \
        if (per < 2u) TELEM_I_FILE_LOOK(p, v, a);   \
        TELEM_I_FILE_PULL(s##1, a, (to)[1]);        \
        if (per < 4u) TELEM_I_FILE_LOOK(p, v, a);   \
        TELEM_I_FILE_PULL(s##2, a, (to)[2]);        \
        if (per < 2u) TELEM_I_FILE_LOOK(p, v, a);   \
        TELEM_I_FILE_PULL(s##3, a, (to)[3]);        \
    } while (0)

typedef struct TELEM_I_FILE_SOURCE { /* a string that is read */
    const uint8_t *p;
    const telem_i_file_state *table;
    const uint64_t *low;
    size_t at, stop; /* bit positions in p */
    uint32_t state[TELEM_I_FILE_WAYS];
    uint32_t done, n; /* values */
    TELEM_I_FILE_T *out;
} TELEM_I_FILE_SOURCE;

/* Whole chunks, `per` values between two looks (a constant where this is inlined); the rest is for the slow
   loop. */
TELEM_I_FILE_INLINE void TELEM_I_FILE_N(telem_i_file_pull_one)(TELEM_I_FILE_SOURCE *s, uint32_t per) {
    const uint8_t *p = s->p;
    const telem_i_file_state *table = s->table;
    const uint64_t *low = s->low;
    size_t a = s->at, stop = s->stop;
    size_t s0 = s->state[0], s1 = s->state[1], s2 = s->state[2], s3 = s->state[3], i = s->done, n = s->n;
    TELEM_I_FILE_T *out = s->out;
    (void)low;
    while (n - i >= TELEM_I_FILE_CHUNK && a <= stop) {
        size_t to = i + TELEM_I_FILE_CHUNK;
        for (; i < to; i += 4u) TELEM_I_FILE_PULL4(p, a, s, out + i);
    }
    s->at = a, s->done = (uint32_t)i;
    s->state[0] = (uint32_t)s0, s->state[1] = (uint32_t)s1, s->state[2] = (uint32_t)s2, s->state[3] = (uint32_t)s3;
}
/* Two strings of the same bytes at a time: while the one waits for its bits the other one works. */
TELEM_I_FILE_INLINE void TELEM_I_FILE_N(telem_i_file_pull_two)(TELEM_I_FILE_SOURCE *s, TELEM_I_FILE_SOURCE *t, uint32_t per) {
    const uint8_t *p = s->p;
    const telem_i_file_state *table = s->table;
    const uint64_t *low = s->low;
    size_t a = s->at, stop = s->stop, b = t->at, halt = t->stop;
    size_t s0 = s->state[0], s1 = s->state[1], s2 = s->state[2], s3 = s->state[3], i = s->done, n = s->n;
    size_t t0 = t->state[0], t1 = t->state[1], t2 = t->state[2], t3 = t->state[3];
    TELEM_I_FILE_T *out = s->out, *too = t->out;
    (void)low;
    while (n - i >= TELEM_I_FILE_CHUNK && a <= stop && b <= halt) {
        size_t to = i + TELEM_I_FILE_CHUNK;
        for (; i < to; i += 4u) {
            TELEM_I_FILE_PULL4(p, a, s, out + i);
            TELEM_I_FILE_PULL4(p, b, t, too + i);
        }
    }
    s->at = a, s->done = t->done = (uint32_t)i, t->at = b;
    s->state[0] = (uint32_t)s0, s->state[1] = (uint32_t)s1, s->state[2] = (uint32_t)s2, s->state[3] = (uint32_t)s3;
    t->state[0] = (uint32_t)t0, t->state[1] = (uint32_t)t1, t->state[2] = (uint32_t)t2, t->state[3] = (uint32_t)t3;
}

/* Values of which one may be more than a look has: whole chunks. */
static void TELEM_I_FILE_N(telem_i_file_pull_wide)(TELEM_I_FILE_SOURCE *s) {
    const telem_i_file_state *table = s->table;
    const uint8_t *p = s->p;
    size_t a = s->at;
    uint32_t i = s->done, j, k;
    while (s->n - i >= TELEM_I_FILE_CHUNK && a <= s->stop)
        for (j = 0; j < TELEM_I_FILE_CHUNK; j += TELEM_I_FILE_WAYS)
            for (k = 0; k < TELEM_I_FILE_WAYS; k++, i++) {
                const telem_i_file_state *e = table + s->state[k];
                const uint32_t wide = (uint32_t)e->all - e->few;
                uint64_t v, high;
                TELEM_I_FILE_LOOK(p, v, a);
                s->state[k] = e->next + (uint32_t)(v & TELEM_I_FILE_NEAR(e->few));
                a += e->few;
                TELEM_I_FILE_LOOK(p, v, a);
                high = p[(a >> 3) + 8u];
                v |= (high << 1) << (63u - (a & 7u)); /* all 64 */
                a += wide;
                s->out[i] = (TELEM_I_FILE_T)((TELEM_I_FILE_W == 32 ? e->low : s->low[e->low]) + telem_i_file_low(v, wide));
            }
    s->at = a, s->done = i;
}

/* Any number of values of any width, one by one, to the end; that must be exactly there. */
static int TELEM_I_FILE_N(telem_i_file_pull_rest)(TELEM_I_FILE_SOURCE *s) {
    size_t a = s->at;
    uint32_t i;
    for (i = s->done; i < s->n; i++) {
        uint32_t *state = &s->state[i % TELEM_I_FILE_WAYS];
        const telem_i_file_state *e = s->table + *state;
        size_t b = a + e->few;
        uint64_t v;
        if (a > s->stop) return 0;
        TELEM_I_FILE_LOOK(s->p, v, a);
        *state = e->next + (uint32_t)telem_i_file_low(v, e->few);
        a += e->all;
        TELEM_I_FILE_LOOK(s->p, v, b);
        if (b & 7u) v |= (uint64_t)s->p[(b >> 3) + 8u] << (64u - (b & 7u));
        s->out[i] = (TELEM_I_FILE_T)((TELEM_I_FILE_W == 32 ? e->low : s->low[e->low]) + telem_i_file_low(v, (uint32_t)e->all - e->few));
    }
    return a == s->stop && !(s->state[0] | s->state[1] | s->state[2] | s->state[3]);
}

/* All values of one or two strings; `wide`: bits of an offset at most, `log`: of a state. */
static int TELEM_I_FILE_N(telem_i_file_pull)(TELEM_I_FILE_SOURCE *s, uint32_t strings, uint32_t wide, uint32_t log) {
    const uint32_t most = wide + log;
    if (strings == 2u) {
        if (TELEM_I_FILE_W == 32 && !wide) TELEM_I_FILE_N(telem_i_file_pull_two)(s, s + 1, 0);
        else if (most <= 14u) TELEM_I_FILE_N(telem_i_file_pull_two)(s, s + 1, 4);
        else if (most <= 28u) TELEM_I_FILE_N(telem_i_file_pull_two)(s, s + 1, 2);
        else if (most <= 57u) TELEM_I_FILE_N(telem_i_file_pull_two)(s, s + 1, 1);
        else TELEM_I_FILE_N(telem_i_file_pull_wide)(s + 1), TELEM_I_FILE_N(telem_i_file_pull_wide)(s);
        if (!TELEM_I_FILE_N(telem_i_file_pull_rest)(s + 1)) return 0;
    } else {
        if (most <= 14u) TELEM_I_FILE_N(telem_i_file_pull_one)(s, 4);
        else if (most <= 28u) TELEM_I_FILE_N(telem_i_file_pull_one)(s, 2);
        else if (most <= 57u) TELEM_I_FILE_N(telem_i_file_pull_one)(s, 1);
        else TELEM_I_FILE_N(telem_i_file_pull_wide)(s);
    }
    return TELEM_I_FILE_N(telem_i_file_pull_rest)(s);
}
#undef TELEM_I_FILE_NEAR
#undef TELEM_I_FILE_LOOK
#undef TELEM_I_FILE_VALUE
#undef TELEM_I_FILE_PULL
#undef TELEM_I_FILE_BARE
#undef TELEM_I_FILE_PULL4

/* The strings behind the tree that is in b: states, unused bits, lengths, values. `copy` has room for them. */
static int TELEM_I_FILE_N(telem_i_file_get_strings)(telem_i_file_codec *k, telem_i_file_bitr *in, const telem_i_file_bins *b, uint8_t *copy,
                                                    uint32_t n, TELEM_I_FILE_T *out) {
    TELEM_I_FILE_SOURCE s[2];
    telem_i_file_state *table = (telem_i_file_state *)k->table;
    uint32_t i, first = TELEM_I_FILE_FIRST(n), strings = first < n ? 2u : 1u;
    const uint8_t *p, *end = in->p + in->size / 8u;
    uint64_t length;
    size_t bytes;
    for (i = 0; i < strings * TELEM_I_FILE_WAYS; i++) s[i / TELEM_I_FILE_WAYS].state[i % TELEM_I_FILE_WAYS] = (uint32_t)telem_i_file_bits_get(in, b->log);
    for (i = 0; i < strings; i++) s[i].at = (size_t)telem_i_file_bits_get(in, 3);
    if (in->bad) return 0;
    p = in->p + ((in->at + 7u) >> 3);
    length = (uint64_t)(end - p);
    if (strings == 2u) p = telem_i_file_get_varint(p, end, &length);
    if (!p) return 0;
    bytes = (size_t)(end - p);
    if (length > bytes || bytes > n * sizeof out[0] + TELEM_I_FILE_PAYLOAD_OVER) return 0; /* fits where it is copied */
    memcpy(copy, p, bytes);
    memset(copy + bytes, 0, TELEM_I_FILE_PULL_SLACK);
    telem_i_file_decode_table(b, table, TELEM_I_FILE_W == 32);
    TELEM_I_FILE_MASKS_TO(table + TELEM_I_FILE_STATES)
    s[0].p = copy, s[0].stop = (size_t)length * 8u, s[0].n = first, s[0].out = out;
    s[1].p = copy, s[1].at += (size_t)length * 8u, s[1].stop = bytes * 8u, s[1].n = n - first, s[1].out = out + first;
    s[0].table = s[1].table = table, s[0].low = s[1].low = b->lo, s[0].done = s[1].done = 0;
    return TELEM_I_FILE_N(telem_i_file_pull)(s, strings, b->wide, b->log);
}

static int TELEM_I_FILE_N(telem_i_file_get_binned)(telem_i_file_codec *k, const uint8_t *p, const uint8_t *end, uint32_t n, TELEM_I_FILE_T *out) {
    telem_i_file_bins b;
    telem_i_file_bitr in;
    uint8_t *copy = (uint8_t *)TELEM_I_FILE_A(k);
    uint32_t i;
    TELEM_I_FILE_T base;
    int zigzag;
    p = TELEM_I_FILE_N(telem_i_file_get_value)(p, end, &base);
    if (!p) return 0;
    in.p = p, in.size = (size_t)(end - p) * 8u, in.at = 0, in.bad = 0;
    zigzag = (int)telem_i_file_bits_get(&in, 1);
    if (!telem_i_file_get_bins(&in, &b) || b.top > TELEM_I_FILE_W) return 0;
#if TELEM_I_FILE_W == 64
    if (b.top <= 32u) {
        uint32_t *narrow = k->b32;
        if (!telem_i_file_get_strings32(k, &in, &b, copy, n, narrow)) return 0;
        if (zigzag)
            for (i = 0; i < n; i++) out[i] = telem_i_file_zag64(narrow[i]) + base;
        else
            for (i = 0; i < n; i++) out[i] = narrow[i] + base;
        return 1;
    }
#endif
    if (!zigzag)
        for (i = 0; i < b.count; i++) b.lo[i] += base;
    if (!TELEM_I_FILE_N(telem_i_file_get_strings)(k, &in, &b, copy, n, out)) return 0;
    if (zigzag)
        for (i = 0; i < n; i++) out[i] = TELEM_I_FILE_N(telem_i_file_zag)(out[i]) + base;
    return 1;
}

/* --- coder: sparse --- */

static size_t TELEM_I_FILE_N(telem_i_file_ints_put)(telem_i_file_codec *k, uint32_t *choice, const TELEM_I_FILE_T *v, uint32_t n, uint8_t *out, size_t cap, int nested);
static int TELEM_I_FILE_N(telem_i_file_ints_get)(telem_i_file_codec *k, const uint8_t *p, size_t size, uint32_t n, TELEM_I_FILE_T *out, int nested);

/* Where gaps and values lie between the two levels: clear of what the inner level uses (a, the front of b32). */
static uint32_t *TELEM_I_FILE_N(telem_i_file_gaps)(const telem_i_file_codec *k) { return k->b32 + 1024u + k->cap / 2u; }
static TELEM_I_FILE_T *TELEM_I_FILE_N(telem_i_file_values)(const telem_i_file_codec *k) {
#if TELEM_I_FILE_W == 32
    return k->b32 + 1024u + k->cap / 4u * 3u;
#else
    return k->b64 + (k->cap + 1024u) / 2u;
#endif
}

static inline int TELEM_I_FILE_N(telem_i_file_all16)(const TELEM_I_FILE_T *r, TELEM_I_FILE_T common) {
    TELEM_I_FILE_T any = 0;
    uint32_t i;
    for (i = 0; i < 16u; i++) any |= r[i] ^ common;
    return !any;
}

/* svarint of the common value, varint count, varint length, gaps (32-bit integers), values less the common one. */
static uint8_t *TELEM_I_FILE_N(telem_i_file_put_sparse)(telem_i_file_codec *k, const TELEM_I_FILE_T *r, uint32_t n, TELEM_I_FILE_T common,
                                                        uint8_t *p, const uint8_t *end) {
    uint32_t *gaps = TELEM_I_FILE_N(telem_i_file_gaps)(k), i, to, count = 0, from = 0;
    TELEM_I_FILE_T *values = TELEM_I_FILE_N(telem_i_file_values)(k);
    size_t bytes, head;
    uint8_t length[TELEM_VARINT_MAX];
    uint32_t plain[8] = {1, 1, 0, 0, 0, 0, 0, 0}; /* order 0, not sampled */
    for (i = 0; i < n; i++) {
        while (n - i >= 16u && TELEM_I_FILE_N(telem_i_file_all16)(r + i, common)) i += 16u;
        for (to = n - i < 16u ? n : i + 16u; i < to; i++)
            if (r[i] != common) {
                gaps[count] = i - from;
                values[count++] = r[i] - common;
                from = i + 1u;
            }
        i--;
    }
    p = TELEM_I_FILE_N(telem_i_file_put_value)(p, end, common);
    p = telem_i_file_put_varint(p, end, count);
    if (!p || end - p < 4) return NULL;
    bytes = telem_i_file_ints_put32(k, plain, gaps, count, p + 1, (size_t)(end - p) - 1u, 1);
    head = telem_varint_put(length, bytes);
    if (!bytes || bytes + head >= (size_t)(end - p)) return NULL;
    memmove(p + head, p + 1, bytes);
    memcpy(p, length, head);
    p += head + bytes;
    memset(plain + 2, 0, sizeof plain - 2u * sizeof plain[0]);
    plain[0] = plain[1] = 1;
    bytes = TELEM_I_FILE_N(telem_i_file_ints_put)(k, plain, values, count, p, (size_t)(end - p), 1);
    return bytes ? p + bytes : NULL;
}

/* `sum`: the residuals are deltas behind the value out[-1]. 2: out has values already. */
static int TELEM_I_FILE_N(telem_i_file_get_sparse)(telem_i_file_codec *k, const uint8_t *p, const uint8_t *end, uint32_t n, TELEM_I_FILE_T *out, int sum) {
    uint32_t *gaps = TELEM_I_FILE_N(telem_i_file_gaps)(k), i, j, at = 0;
    TELEM_I_FILE_T *values = TELEM_I_FILE_N(telem_i_file_values)(k), *to, common = 0, now;
    uint64_t count = 0, bytes = 0;
    p = TELEM_I_FILE_N(telem_i_file_get_value)(p, end, &common);
    p = telem_i_file_get_varint(p, end, &count);
    p = telem_i_file_get_varint(p, end, &bytes);
    if (!p || bytes > (uint64_t)(end - p) || count > n / 4u) return 0;
    if (!telem_i_file_ints_get32(k, p, (size_t)bytes, (uint32_t)count, gaps, 1)) return 0;
    p += bytes;
    if (!TELEM_I_FILE_N(telem_i_file_ints_get)(k, p, (size_t)(end - p), (uint32_t)count, values, 1)) return 0;
    sum = sum && !common;
    now = sum ? out[-1] : common;
    for (i = 0; i < (uint32_t)count; i++) {
        const uint32_t gap = gaps[i];
        if (gap >= n - at) return 0;
        to = out + at;
        at += gap + 1u;
        for (j = 0; j < gap; j++) to[j] = now;
        if (sum) now += values[i];
        to[gap] = sum ? now : common + values[i];
    }
    to = out + at;
    for (j = 0; j < n - at; j++) to[j] = now;
    return sum ? 2 : 1;
}

/* --- choosing the predictor --- */

static TELEM_I_FILE_T TELEM_I_FILE_N(telem_i_file_median)(const TELEM_I_FILE_T *r, uint32_t n) {
    TELEM_I_FILE_S m[15] = {0};
    uint32_t i, j, c = n < 15u ? n : 15u, step = n < 15u ? 1u : n / 15u;
    for (i = 0; i < c; i++) {
        TELEM_I_FILE_S v = (TELEM_I_FILE_S)r[i * step];
        for (j = i; j && m[j - 1] > v; j--) m[j] = m[j - 1];
        m[j] = v;
    }
    return (TELEM_I_FILE_T)m[c / 2u];
}

/* Fills in what residuals laid end to end in r would cost. */
static void TELEM_I_FILE_N(telem_i_file_weigh_sample)(const TELEM_I_FILE_T *r, uint32_t n, telem_i_file_plan *p) {
    TELEM_I_FILE_T centre = TELEM_I_FILE_N(telem_i_file_median)(r, n);
    uint32_t hist[66], other[66], i, top = TELEM_I_FILE_W;
    memset(hist, 0, sizeof hist);
    memset(other, 0, sizeof other);
    for (i = 0; i + 1u < n; i += 2u) {
        hist[telem_i_file_bit_length(TELEM_I_FILE_N(telem_i_file_zig)((TELEM_I_FILE_T)(r[i] - centre)))]++;
        other[telem_i_file_bit_length(TELEM_I_FILE_N(telem_i_file_zig)((TELEM_I_FILE_T)(r[i + 1u] - centre)))]++;
    }
    if (i < n) hist[telem_i_file_bit_length(TELEM_I_FILE_N(telem_i_file_zig)((TELEM_I_FILE_T)(r[i] - centre)))]++;
    for (i = 0; i <= top; i++) hist[i] += other[i];
    while (top && !hist[top]) top--;
    for (i = 0, p->half = 0; i < n / 2u; i += hist[p->half++]) {}
    if (p->half) p->half--;
    p->binned = telem_i_file_entropy(hist, top, n);
}

typedef struct TELEM_I_FILE_N(telem_i_file_windows) { /* where samples lie: `count` windows of `length`, `step` apart */
    const TELEM_I_FILE_T *first;
    uint32_t length, count, step;
} TELEM_I_FILE_N(telem_i_file_windows);

static void TELEM_I_FILE_N(telem_i_file_try)(telem_i_file_codec *k, const TELEM_I_FILE_N(telem_i_file_windows) *w, uint32_t kind, uint32_t lag,
                                             telem_i_file_plan *best) {
    TELEM_I_FILE_T *r = TELEM_I_FILE_A(k);
    telem_i_file_plan p;
    uint32_t i;
    for (i = 0; i < w->count; i++) TELEM_I_FILE_N(telem_i_file_differ)(w->first + i * w->step, w->length, kind, lag, r + i * w->length);
    p.kind = kind, p.lag = lag;
    TELEM_I_FILE_N(telem_i_file_weigh_sample)(r, w->count * w->length, &p);
    if (p.binned + (kind ? best->binned / (lag ? 16u : 64u) + 4u : 0u) < best->binned) *best = p;
}

/* How many of the samples' residuals lie within -2^s/2 .. 2^s/2 - 1. */
static uint32_t TELEM_I_FILE_N(telem_i_file_near)(const TELEM_I_FILE_N(telem_i_file_windows) *w, uint32_t lag, int deltas, uint32_t s) {
    const TELEM_I_FILE_T half = (TELEM_I_FILE_T)1 << s >> 1;
    uint32_t i, j, count = 0;
    for (j = w->count / 3u; j < w->count; j += w->count / 3u + 1u) {
        const TELEM_I_FILE_T *x = w->first + j * w->step, *y = x - lag;
        uint32_t m = w->length < 32u ? w->length : 32u;
        if (deltas)
            for (i = 0; i < m; i++) count += (TELEM_I_FILE_T)(x[i] - (x - 1)[i] - (y[i] - (y - 1)[i]) + half) >> s == 0;
        else
            for (i = 0; i < m; i++) count += (TELEM_I_FILE_T)(x[i] - y[i] + half) >> s == 0;
    }
    return count;
}

/* The lag that brings most residuals near zero: nearer than half of those of the best order are. */
static void TELEM_I_FILE_N(telem_i_file_seek_lag)(telem_i_file_codec *k, const TELEM_I_FILE_N(telem_i_file_windows) *w, uint32_t reach,
                                                  uint32_t kind, telem_i_file_plan *best) {
    uint32_t lag, good = 0, most = 0, total = TELEM_I_FILE_N(telem_i_file_near)(w, 0, 0, 1);
    for (lag = 2; lag <= reach; lag++) {
        uint32_t c = TELEM_I_FILE_N(telem_i_file_near)(w, lag, kind == TELEM_I_FILE_LAG_DELTA, best->half < TELEM_I_FILE_W ? best->half : TELEM_I_FILE_W - 1);
        if (c > most) most = c, good = lag;
    }
    if (most > total / 8u * 5u) TELEM_I_FILE_N(telem_i_file_try)(k, w, kind, good, best);
}

static void TELEM_I_FILE_N(telem_i_file_choose)(telem_i_file_codec *k, const TELEM_I_FILE_T *v, uint32_t n, telem_i_file_plan *best) {
    TELEM_I_FILE_N(telem_i_file_windows) w;
    uint32_t reach = n / 32u < TELEM_I_FILE_MAX_LAG ? n / 32u : TELEM_I_FILE_MAX_LAG, kind;
    memset(best, 0, sizeof *best);
    best->binned = ~0u;
    if (n < 8u) return;
    w.count = n >= 4096u ? 8u : n >= 1024u ? 4u : n >= 512u ? 3u : n >= 256u ? 2u : 1u;
    if (k->level == 1u) w.count = (w.count + 2u) / 3u;
    w.first = v + reach + 3u;
    w.length = n < 1024u ? 48u : 64u;
    if (w.length > n - reach - 3u) w.length = n - reach - 3u;
    w.step = w.count > 1u ? (n - reach - 3u - w.length) / (w.count - 1u) : 0u;
    for (kind = 0; kind <= 3u && best->kind + 1u >= kind; kind++) /* no order is skipped: 3 only where 2 is good */
        if (kind < 2u || !(k->off & (kind == 2u ? TELEM_I_FILE_OFF_ORDER2 : TELEM_I_FILE_OFF_ORDER3)))
            TELEM_I_FILE_N(telem_i_file_try)(k, &w, kind, 0, best);
    if (best->binned < 64u || reach < 2u || (k->level == 1u && (n < 2048u || best->binned < 512u))) return;
    if (!(k->off & TELEM_I_FILE_OFF_LAG)) TELEM_I_FILE_N(telem_i_file_seek_lag)(k, &w, reach, TELEM_I_FILE_LAG, best);
    if (!(k->off & TELEM_I_FILE_OFF_LAG_DELTA)) TELEM_I_FILE_N(telem_i_file_seek_lag)(k, &w, reach, TELEM_I_FILE_LAG_DELTA, best);
}

/* --- the whole stream --- */

static int TELEM_I_FILE_N(telem_i_file_same)(const TELEM_I_FILE_T *v, uint32_t n) {
    return v[n / 2u] == v[0] && !memcmp(v, v + 1, (n - 1u) * sizeof v[0]);
}

/* What is remembered from block to block: [0] 1 + kind, lag << 8; [1] blocks until the next look; [2] what a
   sample promised; [3] 1 + the coder that was used, 0: none yet; [4] 1/256 bit per value that it took; [5] how many
   values were looked at: twice as many are worth a look. */
static void TELEM_I_FILE_N(telem_i_file_recall)(telem_i_file_codec *k, uint32_t *choice, const TELEM_I_FILE_T *v, uint32_t n, telem_i_file_plan *p) {
    if (choice && choice[0] && choice[1] && (choice[0] >> 8) * 8u <= n && n / 2u <= choice[5] - 1u) { /* 0: not told */
        choice[1]--;
        p->kind = (choice[0] & 0xFFu) - 1u;
        p->lag = choice[0] >> 8;
        p->binned = choice[2];
        return;
    }
    memset(p, 0, sizeof *p);
    if (TELEM_I_FILE_N(telem_i_file_same)(v, n)) return;
    TELEM_I_FILE_N(telem_i_file_choose)(k, v, n, p);
    if (!choice) return;
    choice[0] = (p->kind + 1u) | p->lag << 8;
    choice[1] = 16;
    choice[2] = p->binned;
    choice[3] = choice[4] = 0;
    choice[5] = n;
}

/* The coder for the next time. Looks again when the values have become larger by a quarter. */
static void TELEM_I_FILE_N(telem_i_file_remember)(uint32_t *choice, uint32_t coder, size_t bytes, uint32_t n) {
    uint32_t bits = (uint32_t)((uint64_t)bytes * 2048u / n);
    if (choice[3] && bits > choice[4] + choice[4] / 4u + 64u) choice[1] = 0;
    choice[3] = coder + 1u;
    choice[4] = bits;
}

static uint8_t *TELEM_I_FILE_N(telem_i_file_put_heads)(const TELEM_I_FILE_T *v, const telem_i_file_plan *plan, uint32_t heads, uint8_t *p, const uint8_t *end) {
    if (plan->kind >= TELEM_I_FILE_LAG) *p++ = (uint8_t)plan->lag;
    if (heads > 0) p = TELEM_I_FILE_N(telem_i_file_put_value)(p, end, v[0]);
    if (heads > 1) p = TELEM_I_FILE_N(telem_i_file_put_value)(p, end, v[1] - v[0]);
    if (heads > 2) p = TELEM_I_FILE_N(telem_i_file_put_value)(p, end, v[2] - 2u * v[1] + v[0]);
    return p;
}

/* How many residuals are not `common`, counted until these are too many to be written alone. */
static uint32_t TELEM_I_FILE_N(telem_i_file_others)(const TELEM_I_FILE_T *r, uint32_t n, TELEM_I_FILE_T common) {
    uint32_t at, i, m, others = 0;
    for (at = 0; at < n && others * 12u <= n; at += m) {
        const TELEM_I_FILE_T *x = r + at;
        m = n - at < 512u ? n - at : 512u;
        for (i = 0; i < m; i++) others += x[i] != common;
    }
    return others;
}

/* What n values may take as BINNED, 1/256 bit, where `bytes` are what they take as PACKED: entropy coding costs time. */
static uint64_t TELEM_I_FILE_N(telem_i_file_worth)(const telem_i_file_codec *k, uint32_t n, uint64_t bytes) {
    uint64_t bits = bytes * 8u * telem_i_file_time[k->level].part, price = (uint64_t)telem_i_file_time[k->level].price * (n + TELEM_I_FILE_TABLES);
    return bits > price ? bits - price : 0;
}

/* BINNED where what it saves is worth its time: by a sample, then measured; or as it was in the last block. */
static uint8_t *TELEM_I_FILE_N(telem_i_file_put_dense)(telem_i_file_codec *k, TELEM_I_FILE_T *r, uint32_t n, TELEM_I_FILE_T common,
                                                       uint32_t expected, uint32_t *coder, uint8_t *p, uint8_t *end) {
    TELEM_I_FILE_N(telem_i_file_vector) v[65];
    TELEM_I_FILE_T least, most;
    uint64_t bits;
    uint32_t doubt;
    int known = *coder == TELEM_I_FILE_BINNED + 1u, never = *coder == TELEM_I_FILE_PACKED + 1u;
    if (n > 65u * TELEM_I_FILE_VECTOR) return NULL;
    TELEM_I_FILE_N(telem_i_file_ranges)(r, n, v, &least, &most);
    doubt = most - least < 256u || n >= 2048u ? 3u : 16u; /* what a sample expects is blind for favourites among few */
    if (known)
        bits = (uint64_t)n * telem_i_file_bit_length((TELEM_I_FILE_T)(most - least)) * 256u;
    else
        bits = TELEM_I_FILE_N(telem_i_file_worth)(k, n, TELEM_I_FILE_N(telem_i_file_packed_bytes)(k, r, n, v));
    if (k->level == 1u && doubt > 3u) doubt = 0;
    if (!(k->off & TELEM_I_FILE_OFF_BINNED) && n >= 64u && !never && (known || telem_i_file_promising((uint64_t)expected * n, bits, doubt))) {
        uint8_t *q;
        telem_i_file_grid g;
        TELEM_I_FILE_N(telem_i_file_make_grid)(k, least, most, common, n, &g);
        q = TELEM_I_FILE_N(telem_i_file_try_binned)(k, r, n, &g, bits, p, end);
        *coder = TELEM_I_FILE_BINNED;
        if (q) return q;
    }
    if (known) (void)TELEM_I_FILE_N(telem_i_file_packed_bytes)(k, r, n, v);
    *coder = TELEM_I_FILE_PACKED;
    return TELEM_I_FILE_N(telem_i_file_put_packed)(k, r, n, v, p, end);
}

static uint8_t *TELEM_I_FILE_N(telem_i_file_put_residuals)(telem_i_file_codec *k, TELEM_I_FILE_T *r, uint32_t n, const telem_i_file_plan *plan,
                                                           uint32_t *coder, uint8_t *p, uint8_t *end, int nested) {
    TELEM_I_FILE_T common = TELEM_I_FILE_N(telem_i_file_median)(r, n);
    uint32_t others = TELEM_I_FILE_N(telem_i_file_others)(r, n, common);
    if (!others) {
        *coder = TELEM_I_FILE_CONSTANT;
        return TELEM_I_FILE_N(telem_i_file_put_value)(p, end, common);
    }
    if (others * 12u <= n && !nested && n >= 64u && !(k->off & TELEM_I_FILE_OFF_SPARSE)) {
        *coder = TELEM_I_FILE_SPARSE;
        return TELEM_I_FILE_N(telem_i_file_put_sparse)(k, r, n, common, p, end);
    }
    return TELEM_I_FILE_N(telem_i_file_put_dense)(k, r, n, common, plan->binned, coder, p, end);
}

static size_t TELEM_I_FILE_N(telem_i_file_ints_put)(telem_i_file_codec *k, uint32_t *choice, const TELEM_I_FILE_T *v, uint32_t n, uint8_t *out, size_t cap, int nested) {
    telem_i_file_plan plan;
    uint8_t *p = out, *end = out + cap;
    uint32_t heads, coder;
    if (cap < 4u + 3u * TELEM_VARINT_MAX) return 0;
    *p++ = 0;
    if (!n) return 1;
    TELEM_I_FILE_N(telem_i_file_recall)(k, choice, v, n, &plan);
    heads = TELEM_I_FILE_N(telem_i_file_heads)(plan.kind);
    if (n <= heads + plan.lag) plan.kind = plan.lag = heads = 0;
    coder = choice ? choice[3] : 0;
    p = TELEM_I_FILE_N(telem_i_file_put_heads)(v, &plan, heads, p, end);
    TELEM_I_FILE_N(telem_i_file_residuals)(v, n, plan.kind, plan.lag, TELEM_I_FILE_A(k));
    if (p) p = TELEM_I_FILE_N(telem_i_file_put_residuals)(k, TELEM_I_FILE_A(k), n - heads, &plan, &coder, p, end, nested);
    if (!p) return 0;
    *out = (uint8_t)(plan.kind | coder << 4);
    if (choice) TELEM_I_FILE_N(telem_i_file_remember)(choice, coder, (size_t)(p - out), n);
    return (size_t)(p - out);
}

static int TELEM_I_FILE_N(telem_i_file_ints_get)(telem_i_file_codec *k, const uint8_t *p, size_t size, uint32_t n, TELEM_I_FILE_T *out, int nested) {
    const uint8_t *end = p + size;
    uint32_t kind, coder, lag = 0, heads, i;
    TELEM_I_FILE_T c = 0;
    int done;
    if (!size) return 0;
    kind = *p & 15u, coder = *p >> 4;
    p++;
    if (kind > TELEM_I_FILE_LAG_DELTA || coder > TELEM_I_FILE_BINNED || (nested && coder == TELEM_I_FILE_SPARSE)) return 0;
    if (!n) return size == 1u && !kind && !coder;
    heads = TELEM_I_FILE_N(telem_i_file_heads)(kind);
    if (kind >= TELEM_I_FILE_LAG && (p == end || (lag = *p++) == 0)) return 0;
    if (n <= heads + lag) {
        if (kind) return 0;
    }
    for (i = 0; i < heads; i++) p = TELEM_I_FILE_N(telem_i_file_get_value)(p, end, out + i);
    if (!p) return 0;
    switch (coder) {
    case TELEM_I_FILE_CONSTANT:
        p = TELEM_I_FILE_N(telem_i_file_get_value)(p, end, &c);
        for (i = heads; i < n; i++) out[i] = c;
        if (p != end) return 0;
        break;
    case TELEM_I_FILE_PACKED:
        if (TELEM_I_FILE_N(telem_i_file_get_packed)(k, p, end, n - heads, out + heads) != end) return 0;
        break;
    case TELEM_I_FILE_SPARSE:
        done = TELEM_I_FILE_N(telem_i_file_get_sparse)(k, p, end, n - heads, out + heads, kind == 1u);
        if (!done) return 0;
        if (done == 2) return 1;
        break;
    default:
        if (!TELEM_I_FILE_N(telem_i_file_get_binned)(k, p, end, n - heads, out + heads)) return 0;
    }
    TELEM_I_FILE_N(telem_i_file_integrate)(out, n, kind, lag);
    return 1;
}

static size_t TELEM_I_FILE_INTS(encode)(telem_i_file_codec *k, uint32_t *choice, const TELEM_I_FILE_T *v, uint32_t n, uint8_t *out, size_t cap) {
    return TELEM_I_FILE_N(telem_i_file_ints_put)(k, choice, v, n, out, cap, 0);
}
static int TELEM_I_FILE_INTS(decode)(telem_i_file_codec *k, const uint8_t *p, size_t size, uint32_t n, TELEM_I_FILE_T *out) {
    return TELEM_I_FILE_N(telem_i_file_ints_get)(k, p, size, n, out, 0);
}

/* What n values would cost, in 1/16 bit each: a sample of windows of w values laid end to end. */
TELEM_UNUSED static uint32_t TELEM_I_FILE_N(telem_i_file_ints_estimate)(telem_i_file_codec *k, const TELEM_I_FILE_T *v, uint32_t n, uint32_t w) {
    telem_i_file_plan best;
    TELEM_I_FILE_N(telem_i_file_windows) s;
    uint32_t kind, head;
    if (!n || !w) return 0;
    if (w > n) w = n;
    head = w > 8u ? 3u : 0u;
    memset(&best, 0, sizeof best);
    s.first = v + head, s.length = w - head, s.step = w, s.count = n / w;
    best.binned = ~0u;
    for (kind = 0; kind <= head; kind++) TELEM_I_FILE_N(telem_i_file_try)(k, &s, kind, 0, &best);
    return best.binned / 16u;
}

#undef TELEM_I_FILE_T
#undef TELEM_I_FILE_S
#undef TELEM_I_FILE_N
#undef TELEM_I_FILE_INTS
#undef TELEM_I_FILE_SOURCE
#undef TELEM_I_FILE_A
#undef TELEM_I_FILE_GET
#undef TELEM_I_FILE_SET
#undef TELEM_I_FILE_TOP
#undef TELEM_I_FILE_PART
#undef TELEM_I_FILE_CHUNK
#undef TELEM_I_FILE_PULL_SLACK
#endif /* TELEM_I_FILE_W */

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
