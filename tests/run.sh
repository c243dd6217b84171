#!/bin/sh
# Runs a list of units (tests/unit.sh), two at a time, and adds up.
#   sh tests/run.sh small     what `make test` runs        sh tests/run.sh fuzz     libFuzzer
#   sh tests/run.sh wide      what `make test-all` adds    sh tests/run.sh stress|model|mutants
#   sh tests/run.sh deep      every test in its long form under the sanitizers
# T=text runs only the units whose name contains it, JOBS=n at a time. Everything is found by its
# name: a new tests/test_x.c, scenario_x.c, fuzz_x.c, stress_x.c, model_x.cc or x.sh needs no list.
set -u
export BUILD=${BUILD:-build}

each() { # configuration files...
    config=$1; shift
    for f in "$@"; do [ -f "$f" ] && echo "$config $f"; done
}
without() { for f in tests/test_*.c tests/scenario_*.c; do grep -q "UNIT: $1" "$f" 2>/dev/null || echo "$f"; done; }
threaded() {
    { ls tests/*_threads.c; grep -lE "pthread_create|UNIT: threads" tests/test_*.c tests/scenario_*.c; } 2>/dev/null | sort -u
}
scripts() { ls tests/*.sh | grep -vxE "tests/(deps|run|unit|strict|all|ring_mutants|file_mutants|mcu_mutants)\.sh"; }
native_only() { grep -l "UNIT: native" tests/*.c 2>/dev/null; }

# make test has five minutes, installs included: every test runs under the sanitizers (but for those
# that repeat another with narrow cursors or in the mini coding), these also as users build them; test-all does that with all of them, and replays the fuzz corpora.
optimised="tests/test_telem.c tests/test_ring.c tests/test_golden.c tests/test_file_random.c tests/test_sets.c"

small() {
    for c in asan cc tsan; do echo "object $c"; done # first: while one is made, a test that needs it would wait
    for g in gcc clang g++ link arm; do echo "compile $g"; done
    each script $(scripts)
    each model $(ls tests/model_*.cc | grep -v _narrow)
    each tsan $(threaded)
    each asan $(ls tests/test_*.c tests/scenario_*.c tests/test_*.cc | grep -vE "_(narrow|mini)\.c$")
    each cc $optimised
}
wide() {
    for c in cc aarch64 win m32 s390x; do echo "object $c"; done
    each model tests/model_*_narrow.cc
    echo "compile clang++"
    echo "compile self"
    echo "compile arm-full"
    each cc $(ls tests/test_*.c tests/scenario_*.c tests/test_*.cc | grep -vxF "$(echo "$optimised" | tr ' ' '\n')")
    # aarch64 differs from s390x and m32 in what it makes of bytes and orders of memory, not in files and errors.
    each aarch64 $(without native | grep -E "telem|schema|golden|columns|decoder|mini|random|ring|pace")
    for target in win m32 s390x; do
        marks=native
        [ $target != win ] || marks="native\|UNIT: posix"
        each $target $(without "$marks")
    done
}
deep() {
    echo "object asan-full"
    each asan-full $(ls tests/test_*.c tests/scenario_*.c | grep -v one_byte) # 800 times 200,000 rows: asan has its short form
}

case $1 in
small) units=$(small); export FUZZ_SECONDS=0 UNIT_TIMEOUT=${UNIT_TIMEOUT:-600} ;;
wide) units=$(wide); export UNIT_TIMEOUT=${UNIT_TIMEOUT:-600} ;;
deep) units=$(deep); export UNIT_TIMEOUT=${UNIT_TIMEOUT:-900} ;;
fuzz) units=$(each fuzz tests/fuzz_*.c) ;;
stress) units=$(each stress tests/stress_*.c) ;;
model) units=$(each model tests/model_*.cc); export MODEL=${MODEL:-long} UNIT_TIMEOUT=${UNIT_TIMEOUT:-900} ;;
mutants)
    units=$(each script tests/ring_mutants.sh tests/file_mutants.sh tests/mcu_mutants.sh; each model tests/model_*.cc)
    export MODEL=mutants UNIT_TIMEOUT=${UNIT_TIMEOUT:-900} ;;
*) echo "run.sh: what is $1?" >&2; exit 2 ;;
esac
[ -z "${T:-}" ] || units=$(echo "$units" | grep -e "$T")

result() { base=$(basename "$2"); echo "$BUILD/result/$1-${base%.*}"; }

echo "$units" | while read -r unit; do [ -z "$unit" ] || rm -f "$(result $unit)"; done
[ -z "$units" ] || echo "$units" | xargs -P "${JOBS:-2}" -L 1 sh tests/unit.sh

# A unit that left no result (killed, out of memory) is a failure.
passed=0 failed=0 skipped=0 bad=
for unit in $(echo "$units" | tr ' ' '='); do
    config=${unit%%=*} what=${unit#*=}
    file=$(result "$config" "$what")
    set -- $(cat "$file" 2>/dev/null || echo 0 1 0)
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    [ "$2" = 0 ] || bad="$bad ${file##*/}"
done
[ -z "$bad" ] || echo "failed:$bad   (build/log has the logs)"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
