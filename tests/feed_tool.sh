#!/bin/sh
# telem feeds, telem follow and telem cat over the files of a feed, as their users meet them. Uses what `make examples`
# built; builds it when it is not there.
set -u
BUILD=${BUILD:-build} BIN=${BIN:-${BUILD:-build}/bin-test}
T=$BUILD/tmp/feed_tool
passed=0 failed=0
rm -rf "$T"
mkdir -p "$T"
pass() { passed=$((passed + 1)); [ -z "${CHECK_VERBOSE:-}" ] || echo "ok $1"; }
fail() { failed=$((failed + 1)); echo "FAIL $1"; shift; for line in "$@"; do echo "     $line"; done; }
is() { [ "$2" = "$3" ] && pass "$1" || fail "$1" "got  $2" "want $3"; }

make -s --no-print-directory "$BIN/telem" "$BIN/feed_hello" "$BIN/attach_hello" >"$T/log" 2>&1 || {
    fail the_tools_are_built "$(tail -n 5 "$T/log")"
    echo "$passed passed, $failed failed, 0 skipped"
    exit 1
}
bin=$(cd "$BIN" && pwd)
cd "$T" || exit 1
telem=$bin/telem status=0
run() { status=0; timeout 60 "$telem" "$@" >out 2>err || status=$?; }

# A follower that is there before the feed: every row is seen or told as missing, through all files.
"$telem" follow --all --poll 1ms -f ndjson feed_hello.dir/drive >live 2>live.err &
follower=$!
tries=0
until [ -s live.err ] || [ $tries -gt 600 ]; do sleep 0.1; tries=$((tries + 1)); done
"$bin/feed_hello" 200000 >hello || fail feed_hello_runs
tries=0
until grep -q '"row":199999,' live || [ $tries -gt 600 ]; do sleep 0.1; tries=$((tries + 1)); done
kill $follower
wait $follower 2>/dev/null
is follower_accounts_for_each_row "$(sed -n 's/.*"missing".*"row":\([0-9]*\),"count":\([0-9]*\).*/\1 \2/p; s/.*"t":[0-9.]*,"row":\([0-9]*\),.*/\1 1/p' live |
    awk 'NR == 1 { next_row = $1 } $1 != next_row { bad++ } { next_row = $1 + $2 } END { print bad + 0, next_row }')" "0 200000"
is follower_says_that_it_waits "$(cat live.err)" "telem: feed_hello.dir/drive: is not there yet; waiting for it"

rm -rf feed_hello.dir
"$bin/feed_hello" >hello
run feeds feed_hello.dir
is feeds_are_listed "$status$(tail -n 1 out | awk '{ print $1, $2, $5, $6, $7 }')" "0drive 5 drive.000007.tlm .. 000011"
run feeds -l feed_hello.dir
is feeds_list_their_streams "$(tail -n 1 out)" "  Motor: 21,918 rows, 28.082 to 49.999 s (boot)"
run feeds --json -l feed_hello.dir
is feeds_as_json "$(grep -c '"first_row":"28082","end_row":"50000"' out)" 1
if command -v python3 >/dev/null; then
    python3 -c 'import json, sys; json.load(open(sys.argv[1]))' out && pass feeds_json_parses || fail feeds_json_parses
fi
mkdir empty
run feeds empty
is a_directory_without_feeds_says_so "$status$(cat err)" "0telem: empty: has no feeds"
run feeds nowhere
is no_directory_is_an_error "$status" 1
run feeds hello
is a_file_is_no_directory "$status$(cat err)" "1telem: hello: is no directory; telem info looks into a file"

run cat -f csv feed_hello.dir/drive
is a_feed_is_read_as_one_csv "$status $(wc -l <out | tr -d ' ') $(grep -c step out)" "0 21919 1"
is its_rows_are_in_order "$(awk -F, 'NR > 2 && $2 != last + 1 { bad++ } { last = $2 } END { print bad + 0 }' out)" 0
run cat --last 3ms feed_hello.dir/drive
is last_is_counted_from_the_end_of_the_feed "$(wc -l <out | tr -d ' ')$(head -n 1 out | cut -c 1-6)" "449.996"
run cat --start @37.441 --end @37.444 feed_hello.dir/drive
is range_goes_over_the_end_of_a_file "$(cut -d ' ' -f 1 out | tr '\n' ' ')" "37.441 37.442 37.443 37.444 "
run cat --start 10s -n 1 feed_hello.dir/drive
is start_is_counted_from_the_first_file "$(cut -d ' ' -f 1 out)" "38.082"
run cat -n 1 feed_hello.dir/drive.000009.tlm
is a_file_of_a_feed_is_a_file "$status$(cut -d ' ' -f 1 out)" "037.443"
run cat feed_hello.dir/none
is no_such_feed_is_an_error "$status$(cat err)" "1telem: feed_hello.dir/none: no such file; check the name"
run plot feed_hello.dir/drive -o feed.svg
is a_feed_is_drawn "$status$(grep -c '</svg>' feed.svg)$(grep -c 21,918 feed.svg)" "011"
"$bin/attach_hello" shots.000001.tlm >hello
run extract shots first.pgm -o - && cp out from_feed
run extract shots.000001.tlm first.pgm -o -
is attachments_come_out_of_feeds "$status$(head -c 14 from_feed)" "0P5 640 480 255"
cmp -s out from_feed || fail attachments_of_feeds_are_those_of_their_files
run follow --last 2ms -n 3 feed_hello.dir/drive
is follow_ends_with_its_rows "$status$(cut -d ' ' -f 1 out | tr '\n' ' ')" "049.997 49.998 49.999 "
run follow --all -n 1 -f csv feed_hello.dir/drive.000008.tlm
is follow_takes_one_file "$status$(tail -n 1 out | cut -c 1-6)" "032.763"
run follow nowhere/-x
is follow_of_nothing_is_an_error "$status" 1

# A file that is gone from the middle, and one that is cut.
rm feed_hello.dir/drive.000009.tlm
head -c 20000 feed_hello.dir/drive.000008.tlm >cut && mv cut feed_hello.dir/drive.000008.tlm
run cat -f ndjson feed_hello.dir/drive
is what_is_gone_is_told_with_status_3 "$status $(grep '"missing"' out | sed -n 's/.*"count":\([0-9]*\).*/\1/p' | awk '{ n += $1 } END { print n }') $(grep -c '"row"' out)" "3 $((21918 - $(grep -c '"step"' out))) $(($(grep -c '"step"' out) + $(grep -c '"missing"' out)))"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
