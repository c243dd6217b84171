#!/bin/sh
# make test, then what it leaves out: the other targets, seeded defects, fuzzing, stress, the sanitizers at length. Adds up the closing lines.
set -u
BUILD=${BUILD:-build}
mkdir -p "$BUILD/log"
passed=0 failed=0 skipped=0
start=$(date +%s)
for step in ${STEPS:-test test-wide mutants fuzz stress test-deep}; do
    echo "== make $step"
    log=$BUILD/log/make-$step.log
    ${MAKE:-make} --no-print-directory "$step" 2>&1 | tee "$log"
    set -- $(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1 | tr -cd '0-9 ')
    [ $# = 3 ] || { echo "make $step ends without its closing line"; set -- 0 1 0; }
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
done
echo "== all of it in $(($(date +%s) - start)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
