#!/bin/sh
# The demo and its two recorders, with recordings of one second.
#   sh tests/demo.sh
set -u
export BUILD=${BUILD:-build}
export BIN=${BIN:-$BUILD/bin-test}
tmp=$BUILD/tmp/demo
passed=0 failed=0 skipped=0
rm -rf "$tmp"
mkdir -p "$tmp"

check() { # the name of a function
    if "$1" >"$tmp/log" 2>&1; then passed=$((passed + 1)); return 0; fi
    failed=$((failed + 1))
    echo "FAIL $1"
    head -n 20 "$tmp/log"
}
skip() { skipped=$((skipped + 1)); echo "SKIPPED $1"; }
exits() { # code command...
    want=$1; shift
    got=0; "$@" || got=$?
    [ $got = "$want" ] || { echo "exit code $got, not $want: $*"; return 1; }
}
vehicle() { "$BIN/vehicle" "$@"; }
vitals() { "$BIN/vitals" "$@"; }

for program in vitals vehicle; do
    [ -x "$BIN/$program" ] || make -s --no-print-directory "$BIN/$program" >"$tmp/log" 2>&1
    [ -x "$BIN/$program" ] || { echo "FAIL $program does not build"; head -n 20 "$tmp/log"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
done

# ------------------------------------------------------------------------------- recorders
all_rows_are_verified() { # table
    awk 'NR > 1 { n++; if ($NF != "verified") bad = 1 } END { exit bad || n < 8 }' "$1" || { cat "$1"; return 1; }
}
column() { awk -v s="$2" -v c="$3" '$1 == s { print $c }' "$1"; }

ten_seconds_of_flight_have_every_row() {
    exits 0 vehicle -t 10 -o "$tmp/v.tlm" >"$tmp/v.txt" || return 1
    all_rows_are_verified "$tmp/v.txt" || return 1
    for pair in imu:10000 motors:2500 baro:500 pose:500 gps:100 battery:100 flight:100; do
        [ "$(column "$tmp/v.txt" "${pair%:*}" 2)" = "${pair#*:}" ] || { cat "$tmp/v.txt"; return 1; }
    done
}
the_same_seed_flies_the_same_flight() {
    vehicle -t 3 -s 7 -o "$tmp/a.tlm" >"$tmp/a.txt" && vehicle -t 3 -s 7 -o "$tmp/b.tlm" >"$tmp/b.txt" &&
        cmp "$tmp/a.txt" "$tmp/b.txt"
}
a_small_ring_loses_and_the_file_tells() {
    exits 3 vehicle -t 2 -b 1024 -o "$tmp/l.tlm" >"$tmp/l.txt" || return 1
    all_rows_are_verified "$tmp/l.txt" || return 1
    taken=$(column "$tmp/l.txt" imu 2) lost=$(column "$tmp/l.txt" imu 6)
    [ "$lost" -gt 0 ] && [ $((taken + lost)) = 2000 ]
}
the_machine_is_recorded_by_all_threads() {
    exits 0 vitals -t 1 -o "$tmp/m.tlm" >"$tmp/m.txt" || return 1
    all_rows_are_verified "$tmp/m.txt" || return 1
    for stream in wakeup jitter kernel memory load machine; do
        [ "$(column "$tmp/m.txt" $stream 2)" -gt 0 ] || { cat "$tmp/m.txt"; return 1; }
    done
    [ "$(column "$tmp/m.txt" wakeup 2)" -gt 100 ]
}
an_interrupt_ends_the_recording_cleanly() {
    "$BIN/vitals" -t 0 -o "$tmp/i.tlm" >"$tmp/i.txt" & pid=$!
    sleep 1
    kill -INT $pid
    exits 0 wait $pid && all_rows_are_verified "$tmp/i.txt"
}
damage_fails_the_verification() { # bytes are changed behind the recorder's back
    "$BIN/vitals" -t 2 -o "$tmp/f.tlm" >"$tmp/f.txt" 2>&1 & pid=$!
    sleep 1
    printf 'XXXX' | dd of="$tmp/f.tlm" bs=1 seek=1000 conv=notrunc 2>/dev/null
    exits 1 wait $pid
}
wrong_use_says_so() {
    exits 2 vehicle -t ten && exits 2 vitals -b 1000 && exits 2 vitals -x && exits 2 vehicle -o &&
        exits 1 vehicle -t 1 -o "$tmp/no/folder.tlm" && exits 1 vitals -t 1 -o "$tmp" &&
        exits 0 vehicle --help && exits 0 vitals -h
}
a_full_disk_is_an_error() { exits 1 vehicle -t 1 -o /dev/full; }

check ten_seconds_of_flight_have_every_row
check the_same_seed_flies_the_same_flight
check a_small_ring_loses_and_the_file_tells
check wrong_use_says_so
if [ -r /proc/stat ]; then
    check the_machine_is_recorded_by_all_threads
    check an_interrupt_ends_the_recording_cleanly
    check damage_fails_the_verification
else skip "vitals (no /proc)"; fi
if [ -c /dev/full ]; then check a_full_disk_is_an_error
else skip "a full disk (no /dev/full)"; fi

# ------------------------------------------------------------------------------------ demo
the_demo_leaves_recordings_tables_and_plots() {
    DEMO_SECONDS=1 exits 0 sh examples/demo.sh "$tmp/out" >"$tmp/demo.txt" || return 1
    for f in vitals.tlm vehicle.tlm vitals.svg vehicle.svg vitals.wakeup.csv vehicle.imu.csv; do
        [ -s "$tmp/out/$f" ] || { echo "no $f"; return 1; }
    done
    [ "$(wc -l <"$tmp/out/vehicle.imu.csv")" = 1001 ] && grep -q "$tmp/out" "$tmp/demo.txt"
}
# The table counts the CSV's bytes by itself: the tool must come to about the same.
the_csv_is_as_large_as_the_table_says() {
    bytes=$(column "$tmp/out/vehicle.txt" imu 4) ratio=$(column "$tmp/out/vehicle.txt" imu 5)
    awk -v b="$bytes" -v r="${ratio%x}" -v n="$(wc -c <"$tmp/out/vehicle.imu.csv")" \
        'BEGIN { said = b * 1000 * r; print said, n; exit !(n > 0.9 * said && n < 1.1 * said) }'
}
the_commands_it_ends_with_work() {
    sed -n 's/^  \(.*\/telem .*\)/\1/p' "$tmp/demo.txt" >"$tmp/commands"
    [ "$(wc -l <"$tmp/commands")" -ge 4 ] || return 1
    while read -r command; do
        echo "$command"
        sh -c "$command" >"$tmp/answer" || return 1
        case $command in *" -o "*) ;; *) [ -s "$tmp/answer" ] || return 1 ;; esac
    done <"$tmp/commands"
}
if [ -f examples/telem.c ]; then
    check the_demo_leaves_recordings_tables_and_plots
    check the_csv_is_as_large_as_the_table_says
    check the_commands_it_ends_with_work
else skip "the demo (no examples/telem.c)"; fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
