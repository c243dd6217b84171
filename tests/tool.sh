#!/bin/sh
# The telem tool as its users meet it: every kind of bad input, round trips, ranges, losses, plots.
#   sh tests/tool.sh                       builds the tool by the command in its first line
#   TELEM_TOOL=path/to/telem sh tests/tool.sh
set -u
BUILD=${BUILD:-build}
T=$BUILD/tmp/tool
data=../shared/data/csv
passed=0 failed=0 skipped=0
rm -rf "$T"
mkdir -p "$T"

pass() { passed=$((passed + 1)); [ -z "${CHECK_VERBOSE:-}" ] || echo "ok $1"; }
fail() { failed=$((failed + 1)); echo "FAIL $1"; shift; for line in "$@"; do echo "     $line"; done; }
skip() { skipped=$((skipped + 1)); echo "SKIPPED $1 ($2)"; }

finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ $failed = 0 ]
    exit
}

# ---- build

lz4=-llz4
echo '#include <lz4.h>' | ${CC:-cc} ${CFLAGS:-} -x c -fsyntax-only - 2>/dev/null || lz4=-DTELEM_NO_LZ4
if [ -n "${TELEM_TOOL:-}" ]; then telem=$TELEM_TOOL
else
    telem=$T/telem
    command=$(sed -n "1s|^/\\* *cc \\(.*\\) -o [^ ]*\\(.*\\)|${CC:-cc} \\1 -o $telem\\2|p" examples/telem.c)
    $(echo "$command" | sed "s/-llz4/$lz4/") >"$T/log" 2>&1 || {
        fail the_tool_is_built_by_one_command "$(head -n 20 "$T/log")"
        finish
    }
    [ ! -s "$T/log" ] && pass the_tool_is_built_by_one_command || fail the_tool_is_built_by_one_command "$(cat "$T/log")"
fi

# A file with everything in it: nested fields, arrays, optional fields, enums, flags, text, scaled
# counts, two clocks tied together, annotations, metadata, losses.
cat >"$T/make.c" <<'EOF'
#define _POSIX_C_SOURCE 200809L
#define TELEM_IMPLEMENTATION
#include "telem_file.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

TELEM_LABELS(mode_labels, {0, "IDLE"}, {1, "TAKEOFF"}, {2, "CRUISE"}, {3, "LAND"});
TELEM_LABELS(fault_bits, {0, "GPS"}, {3, "MOTOR"});
#define VEC_TABLE(F) F(FIELD, f32, x, "m", "") F(FIELD, f32, y, "m", "")
TELEM_DEFINE(Vec, VEC_TABLE, "a place");
#define IMU_TABLE(F) \
    F(FIELD, f32, ax, "m/s^2", "") F(SCALED, i16, gx, "deg/s", 0.061, 0.0, "") F(COUNT, u32, n, "") \
    F(ARRAY, u8, motor, 3, "%", "") F(OPT, f32, temp, "degC", "")
TELEM_DEFINE(Imu, IMU_TABLE, "inertial unit");
#define STATE_TABLE(F) \
    F(ENUM, u8, mode, mode_labels, "") F(BITS, u16, faults, fault_bits, "") F(STRUCT, Vec, pos, "") \
    F(FIELD, bool_, armed, "", "") F(CHARS, note, 16, "") F(FIELD, u64, big, "", "")
TELEM_DEFINE(State, STATE_TABLE, "vehicle state");

static telem_result add_state(telem_file_writer *w) {
    telem_file_stream_desc s = TELEM_ZERO;
    s.id = 2, s.schema = &State_schema, s.name = "state";
    return telem_file_add_stream(w, &s);
}

static telem_result write_rows(telem_file_writer *w) {
    telem_result r = TELEM_OK;
    int i, late = getenv("LATE") != NULL;
    for (i = 0; i < 2000 && r == TELEM_OK; i++) {
        Imu m = TELEM_ZERO;
        State s = TELEM_ZERO;
        m.ax = (float)(9.81 + 0.5 * sin(i * 0.02) + (i == 700 ? 8 : 0));
        m.gx = (int16_t)(i % 200 - 100);
        m.n = (uint32_t)i;
        m.motor[1] = (uint8_t)(i % 100);
        m.has_temp = i % 10 == 0;
        m.temp = 20.5f + (float)i / 100;
        if (i < 1200 || i >= 1300) r = telem_file_write(w, 1, 1000000000 + (int64_t)i * 1000000, &m);
        if (late && i == 1500 && r == TELEM_OK) r = add_state(w);
        if (i % 100 || r != TELEM_OK || (late && i < 1500)) continue;
        s.mode = (uint8_t)(i / 500);
        s.faults = i > 1000 && i < 1500 ? 9 : 0;
        s.pos.x = (float)i / 10;
        s.armed = i > 300;
        s.big = UINT64_MAX - (uint64_t)i;
        snprintf(s.note, sizeof s.note, i == 500 ? "a \"b\", <c>" : "");
        r = telem_file_write(w, 2, 1000000000 + (int64_t)i * 1000000, &s);
    }
    return r;
}

static telem_result write_rest(telem_file_writer *w) {
    telem_loss l = TELEM_ZERO;
    telem_sync y = TELEM_ZERO;
    telem_annotation a = TELEM_ZERO;
    telem_metadata m = TELEM_ZERO;
    telem_result r;
    l.stream = 1, l.hop = TELEM_HOP_RING_REFUSED, l.cause = TELEM_CAUSE_FULL, l.count = 100, l.has_span = 1;
    l.first = 2200000000, l.last = 2299000000;
    y.clock_b = 7, y.ticks_a = 1000000000, y.ticks_b = 1800000000000000;
    a.stream = TELEM_ALL_STREAMS, a.level = TELEM_LEVEL_WARNING, a.time = 1700000000, a.text = "bump";
    m.stream = TELEM_ALL_STREAMS, m.type = TELEM_VALUE_TEXT, m.key = "vehicle", m.data = "quad 7";
    if (getenv("PLAIN")) return TELEM_OK;
    r = telem_file_write_sync(w, &y);
    if (r == TELEM_OK) r = telem_file_annotate(w, &a);
    if (r == TELEM_OK) r = telem_file_write_metadata(w, &m);
    return r == TELEM_OK && !getenv("NO_LOSS") ? telem_file_write_loss(w, &l) : r;
}

/* A counter since boot, an array of twelve, a loss of no stream in particular, an early annotation. */
#define TOTAL_TABLE(F) \
    F(FULL, u64, rx_bytes, 0, "B", 0.0, 0.0, 0, TELEM_MONOTONIC, "") F(ARRAY, u16, bins, 12, "", "")
TELEM_DEFINE(Total, TOTAL_TABLE, "totals");

static telem_result write_totals(telem_file_writer *w) {
    telem_loss l = TELEM_ZERO;
    telem_annotation a = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    telem_result r;
    int i, k;
    s.id = 3, s.schema = &Total_schema, s.name = "total";
    r = telem_file_add_stream(w, &s);
    l.stream = a.stream = TELEM_ALL_STREAMS;
    l.hop = TELEM_HOP_RING_REFUSED, l.cause = TELEM_CAUSE_FULL, l.count = 58;
    a.time = 500000000, a.text = "early";
    for (i = 0; i < 50 && r == TELEM_OK; i++) {
        Total t = TELEM_ZERO;
        t.rx_bytes = 5000000000u + (uint64_t)i * 1000;
        for (k = 0; k < 12; k++) t.bins[k] = (uint16_t)(k % 3 ? k : 100 * k);
        r = telem_file_write(w, 3, 1000000000 + (int64_t)i * 40000000, &t);
    }
    if (r == TELEM_OK) r = telem_file_annotate(w, &a);
    return r == TELEM_OK ? telem_file_write_loss(w, &l) : r;
}

int main(int argc, char **argv) {
    static uint64_t memory[4 << 20];
    static telem_file_writer w;
    telem_file_writer_desc d = TELEM_ZERO;
    telem_file_stream_desc s = TELEM_ZERO;
    telem_clock utc = TELEM_ZERO;
    FILE *f = argc > 1 ? fopen(argv[1], "wb") : NULL;
    telem_io io;
    telem_result r;
    if (!f) return 1;
    io = telem_io_stdio(f);
    d.io = &io, d.memory = memory, d.memory_size = sizeof memory;
    d.key_rows = d.block_rows = 100;
    utc.hz_num = 1000000, utc.domain = TELEM_DOMAIN_UTC;
    r = telem_file_writer_open(&w, &d);
    if (r == TELEM_OK) r = telem_file_add_clock(&w, 7, &utc, "utc");
    s.id = 1, s.schema = &Imu_schema, s.name = "imu";
    if (r == TELEM_OK) r = telem_file_add_stream(&w, &s);
    if (r == TELEM_OK && !getenv("LATE")) r = add_state(&w);
    if (r == TELEM_OK) r = write_rest(&w);
    if (r == TELEM_OK) r = write_rows(&w);
    if (r == TELEM_OK && getenv("TOTALS")) r = write_totals(&w);
    if (r == TELEM_OK) r = telem_file_writer_close(&w);
    if (r != TELEM_OK) fprintf(stderr, "make: %s\n", telem_result_text(r));
    return fclose(f) != 0 || r != TELEM_OK;
}
EOF
${CC:-cc} ${CFLAGS:--O1} -I. "$T/make.c" -o "$T/make" $lz4 -lm >"$T/log" 2>&1 && "$T/make" "$T/lossy.tlm" &&
    NO_LOSS=1 "$T/make" "$T/good.tlm" && LATE=1 PLAIN=1 "$T/make" "$T/late.tlm" &&
    TOTALS=1 NO_LOSS=1 "$T/make" "$T/totals.tlm" && PLAIN=1 "$T/make" "$T/plain.tlm" || { fail sample_files_are_written "$(head -n 20 "$T/log")"; finish; }

# ---- helpers

# run args...: the tool's stdout, stderr and status.
run() {
    status=0
    "$telem" "$@" >"$T/out" 2>"$T/err" || status=$?
}
# leaves name file: no output of that name, and no temporary beside it
leftovers() { ls "$1"* 2>/dev/null; }

# refuses name status pattern args...: that status, one line on stderr that matches, no output
refuses() {
    name=$1 want=$2 pattern=$3
    shift 3
    run "$@"
    if [ $status != "$want" ]; then fail "$name" "status $status, not $want" "$(head -n 3 "$T/err")"
    elif [ "$(wc -l <"$T/err")" != 1 ]; then fail "$name" "not one line on stderr:" "$(head -n 5 "$T/err")"
    elif ! grep -q "^telem: " "$T/err" || ! grep -qE -e "$pattern" "$T/err"; then fail "$name" "stderr lacks \"$pattern\":" "$(cat "$T/err")"
    elif [ -s "$T/out" ]; then fail "$name" "prints to stdout"
    else pass "$name"; fi
}

# prints name status expected args...: exactly this text
prints() {
    name=$1 want=$2
    printf '%b' "$3" >"$T/want"
    shift 3
    run "$@"
    if [ $status != "$want" ]; then fail "$name" "status $status, not $want" "$(head -n 3 "$T/err")"
    elif ! cmp -s "$T/want" "$T/out"; then fail "$name" "$(diff "$T/want" "$T/out" | head -n 12)"
    else pass "$name"; fi
}

# shows name status pattern args...: stdout has a line that matches
shows() {
    name=$1 want=$2 pattern=$3
    shift 3
    run "$@"
    if [ $status != "$want" ]; then fail "$name" "status $status, not $want" "$(head -n 3 "$T/err")"
    elif ! grep -qE -e "$pattern" "$T/out"; then fail "$name" "stdout lacks \"$pattern\":" "$(head -n 5 "$T/out")"
    else pass "$name"; fi
}

is() { # name got wanted
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "$2, not $3"; fi
}

import() { # csv options...: into $T/x.tlm
    csv=$1
    shift
    rm -f "$T/x.tlm"
    run import -q "$@" "$csv" "$T/x.tlm"
}

# ---- help, version, usage

for c in info cat import plot; do
    run $c --help
    is "help_of_${c}_ends_with_two_examples" "$(tail -n 2 "$T/out" | grep -c "telem $c")$status" 20
done
shows help_lists_the_commands 0 '^  import ' --help
shows version_tells_the_format 0 '^telem [0-9.]+, stream format [0-9]+\.[0-9]+$' --version
refuses no_command_is_usage 2 'wants a command'
refuses unknown_command_is_usage 2 '"frob" is no command' frob
refuses unknown_option_is_usage 2 '\-\-frob is no option' cat --frob "$T/good.tlm"
refuses option_without_value_is_usage 2 'wants a value' cat "$T/good.tlm" --stream
refuses missing_file_name_is_usage 2 'wants one FILE' info
refuses bad_time_is_usage 2 'no time' cat --start yesterday "$T/good.tlm"
refuses bad_duration_is_usage 2 'no duration' cat --last soon "$T/good.tlm"
refuses bad_number_is_usage 2 'no number' cat -n many "$T/good.tlm"
refuses bad_format_is_usage 2 'not csv' cat -f xml "$T/good.tlm"

# ---- bad input

: >"$T/empty"
echo 'a,b' >"$T/text.csv"
head -c 3000 /dev/urandom >"$T/noise"
mkdir "$T/folder"
for c in info cat plot; do
    refuses "${c}_of_no_file" 1 'none\.tlm: no such file' $c "$T/none.tlm"
    refuses "${c}_of_an_empty_file" 1 'is empty \(0 bytes\)' $c "$T/empty"
    refuses "${c}_of_a_directory" 1 'is a directory' $c "$T/folder"
    refuses "${c}_of_a_text_file" 1 'is text.*telem import' $c "$T/text.csv"
    refuses "${c}_of_noise" 1 'at byte' $c "$T/noise"
done
head -c 60 "$T/good.tlm" >"$T/stub"
refuses info_of_a_cut_header 1 'cut inside its header' info "$T/stub"
refuses import_of_no_file 1 'no such file' import "$T/none.csv" "$T/x.tlm"
refuses import_of_an_empty_file 1 'is empty' import "$T/empty" "$T/x.tlm"
refuses import_of_a_directory 1 'is a directory' import "$T/folder" "$T/x.tlm"
refuses import_into_a_directory 1 'is a directory' import "$T/text.csv" "$T/folder"
refuses import_into_no_folder 1 'cannot create' import "$T/text.csv" "$T/none/x.tlm"
refuses import_of_a_telem_file 1 'is a telem file already' import "$T/good.tlm" "$T/x.tlm"
tail -c +2 "$T/good.tlm" >"$T/binary"
refuses import_of_binary 1 'zero byte in row' import "$T/binary" "$T/x.tlm"
printf 'a,b\n1,2\n3,4,5\n' >"$T/ragged.csv"
refuses import_of_too_many_cells 1 'row 3 has 3 cells where row 1 has 2 \(at byte 8\)' import "$T/ragged.csv" "$T/x.tlm"
printf 'a,b\n1,"2\n3,4\n' >"$T/open.csv"
refuses import_of_an_open_quote 1 'quote opened in row 2 \(at byte 6\)' import "$T/open.csv" "$T/x.tlm"
{ printf 'a,b\n1,'; head -c 10000000 /dev/zero | tr '\0' x; printf '\n'; } >"$T/wide.csv"
refuses import_of_ten_megabytes_in_a_cell 1 'cell 2 of row 2 is longer than 1 MiB \(at byte' import "$T/wide.csv" "$T/x.tlm"
printf 't,v\n0,1\n1,2.5\n2,abc\n' >"$T/mixed.csv"
refuses mixed_column_with_strict_is_an_error 1 'row 4: "v" has text' import --strict "$T/mixed.csv" "$T/x.tlm"
is failed_import_leaves_nothing "$(leftovers "$T/x.tlm")" ""
echo precious >"$T/old.tlm"
refuses failed_import_is_told 1 'row 3 has 3 cells' import "$T/ragged.csv" "$T/old.tlm"
is failed_import_keeps_the_old_file "$(cat "$T/old.tlm")$(leftovers "$T/old.tlm.")" precious
ln -s old.tlm "$T/link.tlm"
run import -q "$T/mixed.csv" "$T/link.tlm"
is output_through_a_link_keeps_the_link "$status$(readlink "$T/link.tlm")$(head -c 4 "$T/old.tlm" | tail -c 3)" 0old.tlmTLM
import "$T/mixed.csv"
prints mixed_column_becomes_strings 0 't_s,v\r\n0,1\r\n1,2.5\r\n2,abc\r\n' cat -f csv "$T/x.tlm"
refuses unknown_stream_is_told 1 'no stream "gps"' cat --stream gps -o "$T/y.txt" "$T/good.tlm"
refuses unknown_field_is_told 1 'no field "az"' cat --fields az -o "$T/y.txt" "$T/good.tlm"
is refused_cat_leaves_nothing "$(leftovers "$T/y.txt")" ""
refuses two_streams_in_one_csv_are_refused 1 'CSV holds one stream.*-o DIR/' cat -f csv "$T/good.tlm"
refuses two_streams_in_one_csv_of_a_range_are_refused 1 'CSV holds one stream' cat -f csv --start 0.1 "$T/good.tlm"
refuses second_stream_that_begins_late_is_refused 1 'CSV holds one stream' cat -f csv "$T/late.tlm"
status=0
cat "$T/late.tlm" | "$telem" cat -f csv - >"$T/out" 2>"$T/err" || status=$?
is second_stream_on_a_pipe_ends_the_csv_of_the_first "$status$(grep -c 'CSV holds one stream' "$T/err")$(grep -vcE '^(t_s|[0-9.]+),' "$T/out")" 110
awk 'BEGIN { print "t,v"; for (i = 0; i < 20000; i++) print i "," i * 7 }' >"$T/in.csv"
import "$T/in.csv"
cat "$T/x.tlm" "$T/good.tlm" >"$T/sessions.tlm"
run cat -f csv "$T/sessions.tlm"
is csv_that_was_begun_ends_with_a_whole_line "$status$(grep -c 'CSV holds one stream' "$T/err")$(tail -n 1 "$T/out" | tr -d '\r')" 1119999,139993
printf 't_s,time,v\n1,5,2\n2,6,3\n' >"$T/in.csv"
run import -q --time time "$T/in.csv" "$T/x.tlm"
prints csv_names_the_time_apart_from_a_column_of_that_name 0 '_t_s,t_s,v\r\n5,1,2\r\n6,2,3\r\n' cat -f csv "$T/x.tlm"
refuses unknown_time_column_is_told 1 'no column "when"' import --time when "$T/mixed.csv" "$T/x.tlm"

cp "$T/good.tlm" "$T/only.tlm"
ln -s only.tlm "$T/also.tlm"
refuses cat_over_its_input_is_refused 1 'is the file being read' cat -o "$T/only.tlm" "$T/only.tlm"
refuses plot_over_its_input_is_refused 1 'is the file being read' plot "$T/only.tlm" -o "$T/also.tlm"
refuses import_over_its_input_is_refused 1 'is the file being read' import -q "$T/mixed.csv" "$T/mixed.csv"
cmp -s "$T/good.tlm" "$T/only.tlm" && pass refused_overwrite_keeps_the_input || fail refused_overwrite_keeps_the_input
mkdir "$T/linked"
ln -s linked/target.tlm "$T/dangling.tlm"
run import -q "$T/mixed.csv" "$T/dangling.tlm"
is output_through_a_dangling_link_creates_its_target "$status$(readlink "$T/dangling.tlm")$(ls "$T/linked")" 0linked/target.tlmtarget.tlm
ln -s loop.tlm "$T/loop.tlm"
refuses output_to_a_loop_of_links_is_refused 1 'cannot create it' import -q "$T/mixed.csv" "$T/loop.tlm"
status=0
(ulimit -f 1; "$telem" cat -f csv --stream imu -o "$T/limited.csv" "$T/good.tlm") 2>"$T/err" || status=$?
is file_size_limit_is_an_error "$status$(grep -c 'cannot write at byte' "$T/err")$(leftovers "$T/limited.csv")" 11

if [ -c /dev/full ]; then
    for c in "cat $T/good.tlm" "info $T/good.tlm" "plot $T/good.tlm" "import -q $T/mixed.csv -" "--help"; do
        status=0
        "$telem" $c >/dev/full 2>"$T/err" || status=$?
        is "full_disk_is_an_error_of_${c%% *}" "$status$(grep -c 'No space left' "$T/err")" 11
    done
    refuses full_disk_named_by_o 1 'No space left' cat -o /dev/full "$T/good.tlm"
else skip full_disk "no /dev/full"; fi

for c in cat info plot; do
    { status=0; "$telem" $c "$T/good.tlm" 2>"$T/err" || status=$?; echo $status >"$T/status"; } | head -n 1 >/dev/null
    is "broken_pipe_ends_${c}_quietly" "$(cat "$T/status")$(cat "$T/err")" 0
done

# A stopped run removes its temporary file.
mkfifo "$T/fifo"
"$telem" cat -o "$T/stopped.txt" "$T/fifo" 2>/dev/null & pid=$!
{ cat "$T/good.tlm"; sleep 3; } >"$T/fifo" & feeder=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -n "$(leftovers "$T/stopped.txt")" ] && break; sleep 0.1; done
is output_grows_under_another_name "$(ls "$T/stopped.txt" 2>/dev/null; leftovers "$T/stopped.txt" | wc -l)" 1
kill -TERM $pid
wait $pid 2>/dev/null
is stopped_run_leaves_nothing "$(leftovers "$T/stopped.txt")" ""
kill $feeder 2>/dev/null
wait $feeder 2>/dev/null

# ---- cat: formats

prints csv_has_units_and_exact_times 0 't_s,ax[m/s^2],gx[deg/s],n,motor[0][%],motor[1][%],motor[2][%],temp[degC]\r\n1,9.81,-6.1,0,0,0,0,20.5\r\n1.001,9.82,-6.039,1,0,1,0,\r\n' cat -f csv --stream imu -n 2 "$T/good.tlm"
prints fields_are_chosen_by_path 0 't_s,pos.x[m],pos.y[m],mode\r\n1,0,0,IDLE\r\n' cat -f csv --stream state --fields pos,mode -n 1 "$T/good.tlm"
prints text_names_units 0 '1 imu ax=9.81 m/s^2 gx=-6.1 deg/s n=0 motor=[0%,0%,0%] temp=20.5 degC\n' cat --stream imu -n 1 -f text "$T/plain.tlm"
prints units_of_nested_fields_stand_apart 0 '1 state mode=IDLE faults=0 pos={x=0 m y=0 m} armed=false note="" big=18446744073709551615\n' cat --stream state -n 1 -f text "$T/plain.tlm"
printf 't,"Room, name=",W (W)\n0,hall,452.5\n' >"$T/in.csv"
run import -q --name 'my house' "$T/in.csv" "$T/x.tlm"
prints odd_names_are_quoted_in_text 0 '0 "my house" "Room, name="="hall" W=452.5 W\n' cat "$T/x.tlm"
prints raw_counts_have_no_unit 0 't_s,gx\r\n1,-100\r\n' cat -f csv --stream imu --fields gx --raw -n 1 "$T/good.tlm"
prints absent_fields_are_null 0 '{"stream":"imu","t":1.001,"row":1,"temp":null}\n' cat -f ndjson --stream imu --fields temp --start @1.001 -n 1 "$T/plain.tlm"
prints big_integers_are_strings_when_asked 0 '{"stream":"state","t":1,"row":"0","big":"18446744073709551615"}\n' cat -f ndjson --json-strings --stream state --fields big -n 1 "$T/plain.tlm"
shows ndjson_tells_losses 3 '^\{"loss":\{"stream":"imu","hop":"ring_refused","cause":"full","count":100,' cat -f ndjson "$T/lossy.tlm"
shows ndjson_tells_annotations 0 '^\{"annotation":\{"stream":"all","t":1.7,"level":"warning","text":"bump"\}\}$' cat -f ndjson "$T/good.tlm"
shows ndjson_tells_metadata 0 '"key":"vehicle","value":"quad 7"' cat -f ndjson "$T/good.tlm"
shows text_quotes_strings 0 'a \\?"b\\?"' cat --stream state "$T/good.tlm"
run cat -o "$T/parts/" -f csv "$T/good.tlm"
is folder_gets_one_file_per_stream "$status$(ls "$T/parts" | tr '\n' ' ')" "0imu.csv state.csv "
is parts_hold_all_rows "$(cat "$T/parts/"*.csv | wc -l)" 1922
run cat -o "$T/y.csv" --stream imu "$T/good.tlm"
is format_follows_the_name "$status$(head -c 7 "$T/y.csv")" "0t_s,ax["
"$telem" cat -f csv --stream imu - <"$T/good.tlm" | cmp -s - "$T/y.csv" && pass seekable_stdin_is_read || fail seekable_stdin_is_read
cat "$T/good.tlm" | "$telem" cat -f csv --stream imu - | cmp -s - "$T/y.csv" && pass pipe_is_read || fail pipe_is_read
if command -v python3 >/dev/null; then
    "$telem" cat -f ndjson "$T/lossy.tlm" 2>/dev/null | python3 -c 'import json, sys
for line in sys.stdin: json.loads(line)' 2>"$T/log" && pass every_ndjson_line_is_json || fail every_ndjson_line_is_json "$(tail -n 1 "$T/log")"
    "$telem" info --json -s "$T/lossy.tlm" 2>/dev/null | python3 -c 'import json, sys
assert json.load(sys.stdin)["sessions"][0]["losses"][0]["count"] == "100"' 2>"$T/log" && pass info_is_json || fail info_is_json "$(tail -n 1 "$T/log")"
else skip json_is_parsed python3; fi

# ---- cat: ranges

rows() { # name wanted args...: how many rows
    name=$1 wanted=$2
    shift 2
    run cat -f csv "$@"
    is "$name" "$status:$(($(wc -l <"$T/out") - 1))" "0:$wanted"
}
rows range_after_the_start 101 --stream imu --start 0.5 --end 600ms "$T/good.tlm"
rows range_in_clock_seconds 11 --stream imu --start @1.5 --end @1.51s "$T/good.tlm"
rows range_in_ticks 2 --stream imu --start @1500000000ticks --end @1501000000ticks "$T/good.tlm"
rows range_in_utc_by_sync_pairs 11 --stream imu --start 2027-01-15T08:00:00.5Z --end 2027-01-15T09:00:00.51+01:00 "$T/good.tlm"
rows last_part_by_duration 251 --stream imu --last 250ms "$T/good.tlm"
rows start_and_last_both_hold 51 --stream imu --start @2.949 --last 250ms "$T/good.tlm"
rows range_behind_the_end_is_empty 0 --stream imu --start 1h "$T/good.tlm"
rows range_of_a_slow_stream 5 --stream state --start 1s --end 1.4s "$T/good.tlm"
status=0
cat "$T/good.tlm" | "$telem" cat -f csv --stream imu --start 0.5 --end 600ms - >"$T/out" 2>"$T/err" || status=$?
is range_from_a_pipe "$status:$(wc -l <"$T/out")" 0:102
cat "$T/good.tlm" >"$T/fifo" &
refuses last_from_a_pipe_is_refused 1 'wants a file, not a pipe' cat --last 1s "$T/fifo"
wait
run cat --start 0.5 --end 0.6 "$T/good.tlm"
is range_of_all_streams "$status:$(grep -c ' imu ' "$T/out"):$(grep -c ' state ' "$T/out")" 0:101:2

# ---- damage, cuts, sessions

size=$(wc -c <"$T/good.tlm")
head -c $((size / 2)) "$T/good.tlm" >"$T/cut.tlm"
run cat -f csv --stream imu -o "$T/cut.csv" "$T/cut.tlm"
n=$(wc -c <"$T/cut.csv")
head -c "$n" "$T/y.csv" | cmp -s - "$T/cut.csv" && [ $status = 3 ] && [ "$n" -gt 1000 ] && pass cut_file_gives_its_rows_and_status_3 ||
    fail cut_file_gives_its_rows_and_status_3 "status $status, $n bytes" "$(cat "$T/err")"
shows info_tells_of_a_cut 3 '^cut at byte' info "$T/cut.tlm"
cp "$T/good.tlm" "$T/bad.tlm"
printf '\377\377\377' | dd of="$T/bad.tlm" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
shows info_tells_of_damage 3 '^damaged at byte [0-9]+:' info "$T/bad.tlm"
shows text_tells_of_damage 3 '^# damaged at byte [0-9]+:' cat "$T/bad.tlm"
shows ndjson_tells_what_is_missing 3 '^\{"missing":\{"stream":"(imu|state)","row":[0-9]+,"count":[0-9]+,' cat -f ndjson "$T/bad.tlm"
is damage_is_told_on_stderr "$(grep -c 'rows are missing in the file.*damaged at byte' "$T/err")" 1
cat "$T/good.tlm" "$T/lossy.tlm" >"$T/two.tlm"
run info "$T/two.tlm"
is two_sessions_are_told "$status$(grep -c '^session ' "$T/out")" 32
run cat -f csv --stream imu "$T/two.tlm"
is two_sessions_are_one_csv "$status:$(wc -l <"$T/out"):$(grep -c t_s "$T/out")" 3:3801:1
shows info_tells_the_ledger 3 'lost 100 records of imu: ring_refused \(full\), in 1 report, from 2.2 s to 2.299 s' info "$T/lossy.tlm"
shows info_prints_schemas 0 'i16 gx unit "deg/s" scale 0.061' info -s "$T/good.tlm"
shows info_indents_schemas 0 '^    schema Imu ' info -s "$T/good.tlm"
awk 'BEGIN { print "time_us,v"; for (i = 0; i < 100; i++) print i * 5 "," i }' >"$T/in.csv"
import "$T/in.csv"
shows info_tells_fast_rates_in_kilohertz 0 '^in  100 rows, 200 kHz' info "$T/x.tlm"
"$telem" plot "$T/x.tlm" | grep -q '100 rows, 200 kHz' && pass plot_tells_fast_rates_in_kilohertz || fail plot_tells_fast_rates_in_kilohertz
tail -c +2001 "$T/good.tlm" >"$T/tail.tlm"
refuses stream_without_its_beginning_is_told 1 'its beginning is missing' info "$T/tail.tlm"
run cat "$T/lossy.tlm" -o "$T/y.txt"
is losses_before_the_file_are_called_so "$status$(grep -c '100 records were lost before they reached the file' "$T/err")" 31
shows info_tells_rates 0 '^imu  1,900 rows, 950 Hz' info "$T/good.tlm"

# ---- import: types, header, quotes

types() { # name csv wanted options...: the field lines of the schema
    name=$1
    printf '%b' "$2" >"$T/in.csv"
    wanted=$3
    shift 3
    import "$T/in.csv" "$@"
    [ $status = 0 ] || { fail "$name" "$(cat "$T/err")"; return; }
    is "$name" "$("$telem" info -s "$T/x.tlm" | sed -n 's/^        \(.*\);$/\1/p' | tr '\n' ';')" "$wanted"
}
types integers_get_the_smallest_type 'a,b,c,d,e,f,g\n0,-1,256,-129,65536,-40000,18446744073709551615\n255,127,65535,32767,4294967295,1,0\n' \
    'u8 a;i8 b;u16 c;i16 d;u32 e;i32 f;u64 g;'
types integers_that_no_type_holds_are_strings 'a\n18446744073709551617\n1.5\n' 'string(20) a;'
types floats_are_f32_when_all_survive 'a,b,c\n0.1,0.1,1e40\n1.5,0.123456789012,2\n' 'f32 a;f64 b;f64 c;'
types booleans_are_found 'a,b\ntrue,TRUE\nfalse,yes\n' 'bool a;string(4) b;'
types empty_cells_are_optional 'a,b\n1,x\n,\n3,yy\n' 'optional u8 a;optional string(2) b;'
types units_come_from_the_header 'speed[m/s],heading (deg),list[2],plain\n1,2,3,4\n' 'u8 speed unit "m/s";u8 heading unit deg;u8 "list[2]";u8 plain;'
types header_is_absent_when_a_cell_is_a_number 'x,1\ny,2\n' 'string(1) c1;u8 c2;'
types header_can_be_denied 'x,y\nz,w\n' 'string(1) c1;string(1) c2;' --no-header
types header_can_be_demanded 'x,1\n5,2\n' 'u8 x;u8 "1";' --header
types equal_names_are_told_apart 'a,a,,a\n1,2,3,4\n' 'u8 a;u8 a_2;u8 c3;u8 a_3;' --header
types semicolons_are_found 'a;b\n1;2,5\n' 'u8 a;string(3) b;'
types tabs_are_found 'a\tb\n1\t2\n' 'u8 a;u8 b;'
types separator_can_be_given 'a:b,c\n1:2\n' 'u8 a;u8 "b,c";' --sep :
types leading_zeros_stay_text 'zip\n00501\n10001\n' 'string(5) zip;'
types byte_order_mark_is_skipped '\0357\0273\0277a,b\n1,2\n' 'u8 a;u8 b;'
types old_line_ends_are_taken 'a,b\r1,2\r3,4\r' 'u8 a;u8 b;'
types short_rows_lack_values 'a,b\n1\n2,3\n' 'u8 a;optional u8 b;'
types header_alone_is_a_stream_without_rows 'a,b\n' 'string(1) a;string(1) b;'

types decimal_commas_stay_text 'a;b\n3,30;1\n4;2\n' 'string(4) a;u8 b;'
types index_without_a_name_is_a_header ',a,b\n0,1,2\n1,3,4\n' 'u8 c1;u8 a;u8 b;'
types comma_at_the_end_of_the_header_is_a_header 'a,b,\n1,2,\n' 'u8 a;u8 b;optional string(1) c3;'
types empty_cell_amid_is_no_header 'x,,y\nz,w,v\n' 'string(1) c1;optional string(1) c2;string(1) c3;'
types time_that_no_clock_holds_is_a_value 't,v\n1e300,1\n2e300,2\n' 'f64 t;u8 v;'
types impossible_dates_are_text 'time,v\n2026-02-30,1\n2026-11-20T24:30,2\n' 'string(16) time;u8 v;'
types leap_days_and_midnight_are_dates 'time,v\n2024-02-29,1\n2024-12-31T24:00,2\n' 'u8 v;'

tells() { # name csv pattern options...: one note that matches, and success
    name=$1
    printf '%b' "$2" >"$T/in.csv"
    wanted=$3
    shift 3
    run import "$@" "$T/in.csv" "$T/x.tlm"
    is "$name" "$status:$(wc -l <"$T/err"):$(grep -cE -e "$wanted" "$T/err")" 0:1:1
}
tells short_rows_are_told 'a,b\n1,2\n3\n4\n' '2 rows have fewer cells than row 1 \(row 3 '
tells decimal_commas_are_told 'a;b\n3,30;1\n4;2\n' '"a" has decimal commas \(row 2\)'
tells lost_digits_are_told 'a\n0.5\n0.1234567890123456789\n' '"a" has more digits .*\(row 3\)'
tells underflow_is_told 'a\n1e-400\n' '"a" has more digits .*\(row 2\)'
tells blank_lines_of_one_column_are_told 'a\n1\n\n3\n\n' '1 blank lines are skipped'
tells column_that_may_be_the_time_is_told 'ms,v\n0,1\n10,2\n' '"ms" is it: --time ms'
tells time_out_of_range_is_told 't,v\n1e300,1\n2e300,2\n' '"t" holds no time in row 2'
printf 'a,b\n0.10000000000000001,1\n2.5e-3,2\n' >"$T/in.csv"
run import "$T/in.csv" "$T/x.tlm"
is seventeen_digits_are_not_lost "$status$(cat "$T/err")" 0
printf 'a;b\n3,30;1\n' >"$T/in.csv"
refuses decimal_comma_with_strict_is_an_error 1 'row 2: "a" has a decimal comma' import --strict "$T/in.csv" "$T/x.tlm"
printf 'ms,v\n0,1\n10,2\n' >"$T/in.csv"
import "$T/in.csv" --time ms
prints column_called_by_a_unit_counts_in_it 0 't_s,v\r\n0,1\r\n0.01,2\r\n' cat -f csv "$T/x.tlm"
refuses empty_name_is_usage 2 'name that is not empty' import --name '' "$T/in.csv" "$T/x.tlm"
refuses zero_bytes_from_a_device_are_refused 1 'zero byte \(at byte 0\)' import /dev/zero "$T/x.tlm"
awk 'BEGIN { for (i = 0; i < 20000; i++) printf "a%s", i < 19999 ? "," : "\n"; for (i = 0; i < 20000; i++) printf "1%s", i < 19999 ? "," : "\n" }' >"$T/in.csv"
import "$T/in.csv"
is thousands_of_equal_names_are_told_apart "$status$("$telem" cat -f csv "$T/x.tlm" | head -n 1 | tr -d '\r' | tr ',' '\n' | sort | uniq -d | wc -l)" 00
printf 'a,b\n' >"$T/in.csv"
import "$T/in.csv"
prints stream_without_rows_is_a_header 0 't_s,a,b\r\n' cat -f csv "$T/x.tlm"
{ printf 'a,b\n'; for i in 1 2 3; do head -c 1000000 /dev/zero | tr '\0' $i; printf ',%s\n' $i; done; } >"$T/in.csv"
import "$T/in.csv"
"$telem" cat -f csv "$T/x.tlm" | tr -d '\r' | sed '1d; s/^[0-9]*,//' >"$T/out"
is cells_of_a_megabyte_come_back "$status$(sed 1d "$T/in.csv" | cmp - "$T/out" && echo same)" 0same

printf 'n,text\r\n1,"a ""quoted"", b"\r\n2,"two\r\nlines"\r\n3,""\r\n4,\r\n' >"$T/quoted.csv"
import "$T/quoted.csv"
prints quotes_line_ends_and_empty_strings_come_back 0 't_s,n,text\r\n0,1,"a ""quoted"", b"\r\n1,2,"two\r\nlines"\r\n2,3,""\r\n3,4,\r\n' cat -f csv "$T/x.tlm"
printf 'time_ms,v\n1500,1\n1500.25,2\n' >"$T/in.csv"
import "$T/in.csv"
prints times_keep_every_digit 0 't_s,v\r\n1.5,1\r\n1.50025,2\r\n' cat -f csv "$T/x.tlm"
printf 'timestamp,v\n2026-11-20T12:00:00.25Z,1\n2026-11-20 13:00:01+01:00,2\n' >"$T/in.csv"
import "$T/in.csv"
prints iso_times_are_utc 0 't_s,v\r\n1795176000.25,1\r\n1795176001,2\r\n' cat -f csv "$T/x.tlm"
shows utc_is_shown_as_such 0 'from 2026-11-20T12:00:00.25Z to 2026-11-20T12:00:01Z' info "$T/x.tlm"
prints range_in_utc 0 't_s,v\r\n1795176001,2\r\n' cat -f csv --start 2026-11-20T12:00:00.5Z "$T/x.tlm"
printf 't,v\n3,1\n1,2\n2,3\n' >"$T/in.csv"
run import "$T/in.csv" "$T/x.tlm"
is time_that_goes_back_is_told "$status$(grep -c '"t" goes back in row 3.*--time t' "$T/err")" 01
import "$T/in.csv" --time t
prints unordered_times_are_all_found 0 't_s,v\r\n1,2\r\n2,3\r\n' cat -f csv --end @2 "$T/x.tlm"
run import -q "$T/in.csv" -
cp "$T/out" "$T/x.tlm"
shows import_writes_to_a_pipe 0 '^in  3 rows' info "$T/x.tlm"
cat "$T/in.csv" | "$telem" import -q --name log - "$T/x.tlm"
shows import_reads_from_a_pipe 0 '^log  3 rows' info "$T/x.tlm"
for l in de_DE.UTF-8 de_DE C; do
    printf 't,v\n0.5,1.25\n' | LC_ALL=$l "$telem" import - "$T/x.tlm"
    is "decimal_point_stays_under_$l" "$(LC_ALL=$l "$telem" cat -f csv "$T/x.tlm" | tr -d '\r' | tail -n 1)" 0.5,1.25
done
chmod 640 "$T/x.tlm"
import "$T/in.csv"
is overwritten_file_has_default_or_own_mode "$(ls -l "$T/x.tlm" | cut -c1-4)" "-rw-"

# ---- real data, there and back: equal as text or as numbers. The time column moves to the front.

same_values() { # original back column-of-time divisor
    awk -v other="$2" -v tcol="$3" -v div="$4" '
        function cells(line, out,   n, c, i, q, cell) {
            n = 0; cell = ""; q = 0
            for (i = 1; i <= length(line); i++) {
                c = substr(line, i, 1)
                if (q) { if (c != "\"") cell = cell c
                         else if (substr(line, i + 1, 1) == "\"") { cell = cell c; i++ } else q = 0 }
                else if (c == "\"") q = 1
                else if (c == ",") { out[++n] = cell; cell = "" }
                else if (c != "\r") cell = cell c
            }
            out[++n] = cell
            return n
        }
        function same(a, b) { return a == b || (a != "" && b != "" && a + 0 == b + 0 && a ~ /^[-+0-9.]/ && b ~ /^[-+0-9.]/) }
        {
            if ((getline line < other) <= 0) { print "too few rows"; exit 1 }
            if (NR == 1) next
            n = cells($0, a); m = cells(line, b)
            if (m != n + (tcol == 0)) { print "row " NR ": " n " and " m " cells"; exit 1 }
            if (tcol && a[tcol] + 0 != b[1] * div) { print "row " NR ": time " a[tcol] " is " b[1]; exit 1 }
            k = 2
            for (i = 1; i <= n; i++) if (i != tcol) { if (!same(a[i], b[k])) { print "row " NR " cell " i ": " a[i] " is " b[k]; exit 1 } k++ }
        }
        END { if ((getline line < other) > 0) { print "too many rows"; exit 1 } }' "$1"
}
round_trip() { # file time-column divisor options...
    [ -f "$data/$1.csv" ] || { skip "values_of_${1}_come_back" "no $data"; return; }
    name=$1 tcol=$2 div=$3
    shift 3
    import "$data/$name.csv" "$@"
    "$telem" cat -f csv "$T/x.tlm" >"$T/back.csv"
    why=$(same_values "$data/$name.csv" "$T/back.csv" "$tcol" "$div") && [ $status = 0 ] &&
        pass "values_of_${name}_come_back" || fail "values_of_${name}_come_back" "$why" "$(cat "$T/err")"
}
round_trip power 1 1
round_trip adsb 1 1000
round_trip wheel_speed 1 1
round_trip turbofan 0 1
round_trip access 0 1
round_trip access 1 1 --time t_s

# ---- plot

run plot "$T/lossy.tlm" -o "$T/p.svg"
is plot_of_losses_has_status_3 $status 3
is plot_is_a_whole_svg "$(head -c 4 "$T/p.svg")$(tail -n 1 "$T/p.svg")" "<svg</svg>"
for word in 'm/s^2' 'deg/s' 'motor\[1\]' TAKEOFF '>MOTOR<' bump 'class="loss"' '100 lost before the file' 'a &quot;b&quot;, &lt;c&gt;' 'time \[s\]'; do
    grep -q "$word" "$T/p.svg" && pass "plot_shows $word" || fail "plot_shows $word"
done
run plot --stream imu --fields ax --start 0.5 --end 1 --width 500 "$T/good.tlm"
is plot_of_a_part "$status$(grep -c '>501 rows' "$T/out")$(grep -c 'width="500"' "$T/out")$(grep -c motor "$T/out")" 0110
status=0
cat "$T/good.tlm" | "$telem" plot - >"$T/out" 2>"$T/err" || status=$?
is plot_of_a_pipe "$status$(tail -n 1 "$T/out")" "0</svg>"
run plot "$T/totals.tlm" -o "$T/q.svg"
is loss_of_all_streams_is_drawn_once "$status$(grep -c '>58 lost before the file (all streams)<' "$T/q.svg")$(grep -c '58 lost' "$T/q.svg")" 311
is annotation_before_the_rows_stands_at_the_edge "$(grep -c '← early<' "$T/q.svg")" 1
run plot --start 0.1 "$T/totals.tlm"
is annotation_outside_of_a_range_is_left_out "$(grep -c 'early<' "$T/out")" 0
is counter_since_boot_is_drawn_from_its_first_value "$(grep -c '>rx_bytes - first<' "$T/q.svg")$(grep -c '>40k<' "$T/q.svg")" 11
is elements_of_an_array_stay_in_order_in_one_panel "$(sed -n 's/.*>bins\[\([0-9]*\)\]<.*/\1/p' "$T/q.svg" | tr '\n' ' ')$(grep -A 1 '>bins\[11\]<' "$T/q.svg" | grep -c 'class="grid"')" "0 1 2 3 4 5 6 7 8 9 10 11 1"
rm -f "$T/q.svg"
printf 't_s,v\n-9000000000000000000,1\n9000000000000000000,2\n' >"$T/in.csv"
import "$T/in.csv" --time t_s
shows span_of_more_than_an_int64_is_told 0 '\(1.8e\+19 s, clock 1\)' info "$T/x.tlm"
refuses plot_without_rows_is_an_error 1 'no rows to draw' plot --start 1h "$T/good.tlm" -o "$T/q.svg"
is refused_plot_leaves_nothing "$(leftovers "$T/q.svg")" ""
if command -v xmllint >/dev/null; then
    xmllint --noout "$T/p.svg" 2>"$T/log" && pass plot_is_xml || fail plot_is_xml "$(cat "$T/log")"
elif command -v python3 >/dev/null; then
    python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$T/p.svg" 2>"$T/log" && pass plot_is_xml || fail plot_is_xml "$(tail -n 1 "$T/log")"
else skip plot_is_xml "xmllint or python3"; fi

# ---- extract
A=tests/golden/good-attachments.tlm
run extract "$A"
is extract_lists_attachments "$status$(cat "$T/out")" "07  a.png  image/png  8 B
264  b  -  0 B"
run extract "$A" a.png -o -
is extract_writes_what_was_attached "$status$(od -An -tx1 "$T/out" | tr -d ' ')" 00102030405060708
mkdir -p "$T/extracted"
run extract --all -d "$T/extracted" "$A"
is extract_all_into_a_directory "$status$(ls "$T/extracted" | tr '\n' ' ')" "0a.png b "
run extract tests/golden/bad-attachment-hash.tlm
is damaged_attachment_has_status_3 $status 3
run extract tests/golden/bad-attachment-hash.tlm 7 -o "$T/damaged"
is damaged_attachment_is_not_written "$status$(leftovers "$T/damaged")" 3
shows info_counts_attachments 0 'attachments: 2, 8 B' info "$A"
shows info_tells_of_damaged_attachments 3 '1 of them not whole' info tests/golden/bad-attachment-hash.tlm
refuses extract_of_none_is_an_error 1 'has no attachment' extract "$A" c.png -o "$T/none"

finish
