#!/bin/sh
# The programs of shared memory as their users run them: publishers and readers that come, go and are
# killed, commands, images, and what shm_top shows of it (text, terminal, JSON).
#   sh tests/shm_examples.sh
set -u
export BUILD=${BUILD:-build}
bin=${BIN:-$BUILD/bin-test}
tmp=$BUILD/tmp/shm
name=example-$$
passed=0 failed=0 skipped=0
rm -rf "$tmp"
mkdir -p "$tmp"

check() { # the name of a function
    if "$1" >"$tmp/log" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL $1"
        head -n 30 "$tmp/log"
    fi
    end_all
}
skip() { skipped=$((skipped + 1)); echo "SKIPPED $1"; }
exits() { # code command...
    want=$1; shift
    got=0; timeout 20 "$@" || got=$?
    [ $got = "$want" ] || { echo "exit code $got, not $want: $*"; return 1; }
}
pids=
start() { # command...: in the background, its id in $pid
    timeout 30 "$@" & pid=$!
    pids="$pids $pid"
}
end_all() { # what a test left behind; timeout hands the signal on
    for p in $pids; do { kill "$p"; kill -CONT "$p"; wait "$p"; } 2>/dev/null; done
    pids=
    "$bin/shm_top" --collect "$name*" >/dev/null
}
# publish [options]: until its segment is there
publish() {
    start "$bin/shm_publisher" "$@" "$name" >"$tmp/publisher"
    until [ -s "$tmp/publisher" ]; do kill -0 "$pid" || return 1; sleep 0.02; done
}
owner() { "$bin/shm_top" --json -d 0.01 "$name" | sed 's/.*"owner_pid":\([0-9]*\).*/\1/'; }
shows() { # pattern file
    grep -qE -e "$1" "$2" || { echo "no $1 in:"; cat "$2"; return 1; }
}

for e in publisher reader control image top; do
    [ -x "$bin/shm_$e" ] || make -s --no-print-directory "$bin/shm_$e" >"$tmp/log" 2>&1
    [ -x "$bin/shm_$e" ] || { echo "FAIL shm_$e does not build"; head -n 20 "$tmp/log"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
done

# ---------------------------------------------------------------------- publisher and reader
reader_prints_values_with_units() {
    publish || return 1
    exits 0 "$bin/shm_reader" -n 300 "$name" >"$tmp/out" || return 1
    shows '^ *[0-9.]+ s  pendulum +angle=[-0-9.e]+deg rate=[-0-9.e]+deg/s swings=[0-9]+ state=(SWINGING|PUSHED)$' "$tmp/out" &&
        shows '^ *[0-9.]+ s  battery +voltage=16\.[0-9]+V temperature=2[5-9](\.[0-9]+)?degC$' "$tmp/out" &&
        shows '^300 frames read, 0 lost$' "$tmp/out"
}
reader_waits_for_a_publisher() {
    start "$bin/shm_reader" -n 50 "$name" >"$tmp/out" 2>"$tmp/err"; reader=$pid
    sleep 0.2
    publish || return 1
    wait "$reader" && shows '^50 frames read, 0 lost' "$tmp/out" && shows 'no publisher of .* waiting' "$tmp/err"
}
reader_goes_on_when_a_killed_publisher_is_restarted() {
    publish || return 1
    start "$bin/shm_reader" -n 1500 "$name" >"$tmp/out" 2>"$tmp/err"; reader=$pid
    sleep 0.3
    publisher=$(owner)
    kill -9 "$publisher" || return 1
    sleep 0.6
    publish || return 1
    "$bin/shm_top" -d 0.1 "$name" >"$tmp/top"
    status=0; wait "$reader" || status=$?
    [ $status = 0 ] && shows 'has died' "$tmp/err" && shows 'is back' "$tmp/err" &&
        shows '^1500 frames read, 0 lost' "$tmp/out" && shows 'taken over 1 x' "$tmp/top"
}
second_publisher_of_a_name_is_told_what_to_do() {
    publish || return 1
    exits 1 "$bin/shm_publisher" "$name" 2>"$tmp/err" && shows 'exists already; .* another name' "$tmp/err"
}
publisher_that_ends_leaves_nothing() {
    exits 0 "$bin/shm_publisher" -n 20 "$name" >"$tmp/out" && ! ls /dev/shm/*"$name"* 2>/dev/null
}
wrong_use_says_so() {
    exits 2 "$bin/shm_publisher" -x 2>/dev/null && exits 2 "$bin/shm_reader" -x 2>/dev/null &&
        exits 2 "$bin/shm_control" boil 2>/dev/null && exits 2 "$bin/shm_image" look 2>/dev/null &&
        exits 2 "$bin/shm_top" -x 2>/dev/null && exits 2 "$bin/shm_top" -d no 2>/dev/null &&
        exits 0 "$bin/shm_top" --help >/dev/null &&
        exits 2 "$bin/shm_publisher" 'no good name' 2>"$tmp/err" && shows 'A-Z a-z' "$tmp/err" &&
        exits 1 "$bin/shm_control" -s "$name" set 5 2>"$tmp/err" && shows 'not found; start it first' "$tmp/err" &&
        exits 1 "$bin/shm_image" view -s "$name" 2>"$tmp/err" && shows 'not found; start the sensors' "$tmp/err"
}

# ------------------------------------------------------------------------------------ shm_top
top_shows_memory_readers_and_latest_values() {
    publish || return 1
    start "$bin/shm_reader" -e 100000 "$name" >/dev/null
    sleep 0.2
    exits 0 "$bin/shm_top" -d 0.4 "$name" >"$tmp/out" || return 1
    shows "^$name  alive, [0-9,]+ frames/s, [0-9.]+ [k ]?B/s" "$tmp/out" && shows '^  \[h+d+f+t+\]$' "$tmp/out" &&
        shows '^  shm_publisher +[0-9]+  alive ' "$tmp/out" && shows '^  shm_reader +[0-9]+  (asleep|awake) +[0-9,]+ +[0-9]+ +0 ' "$tmp/out" &&
        shows '^  pendulum +1 +[0-9.]+ .* angle=.*deg rate=.*deg/s' "$tmp/out" && shows '^  battery +2 .* voltage=16\..*V' "$tmp/out"
}
top_counts_frames_and_losses_right() { # what it says of a reader is what the reader says itself
    publish || return 1
    start "$bin/shm_reader" -n 400 -e 100000 "$name" >"$tmp/reader"; reader=$pid
    "$bin/shm_top" -d 0.1 "$name" >"$tmp/out"
    rate=$("$bin/shm_top" --json -d 0.5 "$name" | sed 's/.*"head":"[0-9]*","frames_per_s":\([0-9.]*\).*/\1/')
    wait "$reader"
    shows '^400 frames read, 0 lost' "$tmp/reader" || return 1
    awk -v r="$rate" 'BEGIN { print "rate", r; exit !(r > 100 && r < 1200) }'
}
stopped_reader_is_shown_as_lapped_and_then_its_losses() {
    publish || return 1
    "$bin/shm_reader" -e 100000 "$name" >"$tmp/reader" 2>&1 & reader=$!
    pids="$pids $reader"
    sleep 0.2
    kill -STOP $reader
    sleep 1.5
    "$bin/shm_top" -d 0.05 "$name" >"$tmp/out"
    kill -CONT $reader
    shows '^  shm_reader +[0-9]+  lapped +[0-9,]+ +1,[0-9]+ +0 ' "$tmp/out" || return 1
    sleep 0.2
    "$bin/shm_top" -d 0.05 "$name" >"$tmp/out"
    lost=$(awk '/^  shm_reader/ { gsub(",", "", $6); print $6 }' "$tmp/out")
    sleep 0.3
    shows "^lost $lost frames\$" "$tmp/reader"
}
json() { # python expression over d
    python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
s = d["segments"]
ok = eval(sys.argv[2])
sys.exit(0 if ok else "false: " + sys.argv[2] + "\n" + json.dumps(d)[:2000])' "$tmp/json" "$1"
}
json_holds_the_same() {
    publish || return 1
    start "$bin/shm_reader" -e 100000 "$name" >/dev/null
    sleep 0.2
    exits 0 "$bin/shm_top" --json -d 0.3 "$name" >"$tmp/json" || return 1
    json 'len(s) == 1 and s[0]["state"] == "alive" and s[0]["owner_alive"] and int(s[0]["head"]) > 100' &&
        json 'sum(int(p["bytes"]) for p in s[0]["layout"] if p["object"] == "data") == int(s[0]["data_bytes"])' &&
        json 'sum(int(p["bytes"]) for p in s[0]["layout"] if p["object"] == "control") == int(s[0]["control_bytes"])' &&
        json '[r["name"] for r in s[0]["readers"]] == ["shm_reader"] and s[0]["readers"][0]["lost"] == "0"' &&
        json '[t["name"] for t in s[0]["streams"]] == ["pendulum", "battery"]' &&
        json 's[0]["streams"][0]["latest"]["state"] in ("SWINGING", "PUSHED") and abs(s[0]["streams"][0]["latest"]["angle"]) < 90' &&
        json 's[0]["streams"][0]["age_s"] < 2 and s[0]["streams"][1]["latest"]["voltage"] > 16'
}
nothing_there_is_an_empty_list() {
    exits 0 "$bin/shm_top" --json -d 0.01 -D "$tmp" >"$tmp/json" && json 's == []' &&
        exits 0 "$bin/shm_top" -d 0.01 -D "$tmp" >"$tmp/out" && shows '^no segment in ' "$tmp/out" &&
        exits 1 "$bin/shm_top" "$name" 2>"$tmp/err" && shows 'no such segment' "$tmp/err"
}
terminal_view_fits_and_gives_the_cursor_back() {
    publish || return 1
    script -qec "stty cols 80 rows 24; timeout -s INT 1 $bin/shm_top -d 0.2 $name" "$tmp/tty" >/dev/null </dev/null
    esc=$(printf '\033')
    shows "${esc}\\[\\?25l" "$tmp/tty" && shows "${esc}\\[\\?25h" "$tmp/tty" || return 1
    [ "$(grep -ac "$name.*frames/s" "$tmp/tty")" -ge 3 ] || { echo "not refreshed"; return 1; }
    sed "s/$esc\\[[0-9;?]*[a-zA-Z]//g; s/\\r//g; /^Script /d" "$tmp/tty" |
        awk 'length($0) > 80 { print "too wide: " $0; bad = 1 } END { exit bad }'
}
dead_segment_is_shown_and_collected() {
    publish || return 1
    kill -9 "$(owner)"
    sleep 0.1
    exits 0 "$bin/shm_top" -d 0.05 "$name" >"$tmp/out" && shows "^$name  dead, .* \\(gone\\)" "$tmp/out" &&
        shows 'shm_top --collect removes it' "$tmp/out" &&
        exits 0 "$bin/shm_top" --collect "$name" >"$tmp/out" && shows '^1 removed, 0 in use' "$tmp/out" &&
        exits 1 "$bin/shm_top" "$name" 2>/dev/null
}

# ------------------------------------------------------------------------- commands, images
oven_obeys_and_refuses() {
    start "$bin/shm_control" -s "$name" >"$tmp/oven"; oven=$pid
    until [ -s "$tmp/oven" ]; do kill -0 "$oven" || return 1; sleep 0.02; done
    exits 0 "$bin/shm_control" -s "$name" set 180 >"$tmp/out" && shows '^done after [0-9.]+ ms: target 180 degC' "$tmp/out" &&
        exits 0 "$bin/shm_control" -s "$name" gain 1 >"$tmp/out" && shows 'target 180 degC, gain 1,' "$tmp/out" &&
        exits 1 "$bin/shm_control" -s "$name" set 400 2>"$tmp/err" && shows 'refuses; it takes 0 to 300' "$tmp/err" || return 1
    sleep 0.3
    exits 0 "$bin/shm_control" -s "$name" set 20 >"$tmp/out" || return 1
    awk '{ print; exit !($(NF - 1) > 25) }' "$tmp/out" && # it has become warm
        exits 1 "$bin/shm_control" -s "$name" 2>"$tmp/err" && shows 'runs already' "$tmp/err" &&
        exits 0 "$bin/shm_control" -s "$name" stop >"$tmp/out" && shows '^off$' "$tmp/out" &&
        wait "$oven" && shows '^the oven is off after 5 commands$' "$tmp/oven"
}
images_are_seen_whole_and_saved() {
    start "$bin/shm_image" -s "$name" >"$tmp/sensors"; sensors=$pid
    until [ -s "$tmp/sensors" ]; do kill -0 "$sensors" || return 1; sleep 0.02; done
    start "$bin/shm_image" view -n 25 -s "$name" >"$tmp/second"; second=$pid # two at once
    got=0; timeout 20 "$bin/shm_image" view -n 10 -o "$tmp/image.ppm" -s "$name" >"$tmp/out" || got=$?
    cat "$tmp/out"
    "$bin/shm_top" -d 0.5 "$name" >"$tmp/top"
    case $got in 0 | 3) ;; *) echo "exit $got"; return 1 ;; esac # 3: a busy machine lost some
    shows '^10 images of 1920 x 1080, 0 torn, .* [1-9][0-9]* clouds, the wall at [345]\.' "$tmp/out" || return 1
    [ "$(wc -c <"$tmp/image.ppm")" = $((1920 * 1080 * 3 + 17)) ] || { echo "image.ppm has a wrong size"; return 1; }
    shows '^  \[hdfw1+2+tp\]$' "$tmp/top" && shows '^  image +1 .* 6,220,800 B, content 1$' "$tmp/top" &&
        shows '^  scan +2 .* \[720\] range=[0-9.]+m' "$tmp/top" && shows '^  cloud +3 .* \[20,000\] x=[-0-9.]+m' "$tmp/top" || return 1
    wait "$second"; shows '^25 images .* 0 torn' "$tmp/second"
}

if [ ! -d /dev/shm ]; then skip "shared memory (no /dev/shm)"; else
    check reader_prints_values_with_units
    check reader_waits_for_a_publisher
    check reader_goes_on_when_a_killed_publisher_is_restarted
    check second_publisher_of_a_name_is_told_what_to_do
    check publisher_that_ends_leaves_nothing
    check wrong_use_says_so
    check top_shows_memory_readers_and_latest_values
    check top_counts_frames_and_losses_right
    check stopped_reader_is_shown_as_lapped_and_then_its_losses
    check dead_segment_is_shown_and_collected
    if command -v python3 >/dev/null; then
        check json_holds_the_same
        check nothing_there_is_an_empty_list
    else skip "shm_top --json (install package python3)"; fi
    if command -v script >/dev/null && command -v stty >/dev/null; then check terminal_view_fits_and_gives_the_cursor_back
    else skip "the terminal view (install package bsdutils)"; fi
    check oven_obeys_and_refuses
    check images_are_seen_whole_and_saved
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
