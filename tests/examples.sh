#!/bin/sh
# Each example compiles without a warning. A *_hello.c and blackbox.c are built by the cc command in
# their first line and print what their last comment says; shm_*.c are built by theirs (what they do
# stands in tests/shm_examples.sh). The QUICK START in each header compiles and runs.
set -u
BUILD=${BUILD:-build} BIN=${BIN:-${BUILD:-build}/bin-test}
tmp=$BUILD/tmp/examples
passed=0 failed=0 skipped=0
ok() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); echo "FAIL $1"; [ ! -f "${2:-}" ] || head -n 30 "$2"; }

# Examples are tried in a copy, so that a cc line leaves nothing in the source tree.
rm -rf "$tmp"
mkdir -p "$tmp/examples"
cp ./*.h "$tmp/"
cp examples/*.[ch] "$tmp/examples/" 2>/dev/null

builds() { # name
    if make -s --no-print-directory "$BIN/$1" >"$tmp/log" 2>&1; then
        [ ! -s "$tmp/log" ] && ok || fail "$1: warnings" "$tmp/log"
    else fail "$1: does not compile" "$tmp/log"; fi
}

first_line() { sed -n '1s|^/[*/] *||; 1s| *\*/ *$||; 1p' "$1"; }

# The text of the last comment, without its frame and without a heading that says "output".
last_comment() {
    awk '/\/\*/ { text = ""; on = 1 } on { text = text $0 "\n" } /\*\// { if (on) last = text; on = 0 }
         END { printf "%s", last }' "$1" |
        sed 's|^.*/\*||; s|\*/.*$||' |
        awk 'NR == 1 && (/^ *$/ || tolower($0) ~ /output|print/) { next } { print }' | tidy
}
# Neither the indentation that all lines share, nor blanks at the end of lines, nor empty lines at
# either end, count.
tidy() {
    awk '{ sub(/[ \t\r]+$/, ""); line[NR] = $0 }
         /[^ ]/ { match($0, /^ */); if (!first) { first = NR; cut = RLENGTH }
                  if (RLENGTH < cut) cut = RLENGTH; last = NR }
         END { for (i = first; first && i <= last; i++) print substr(line[i], cut + 1) }'
}
# A line "..." in the expected text stands for any lines.
same() { # expected actual
    awk -v rest="$2" 'BEGIN { while ((getline line < rest) > 0) got[++n] = line; i = 1 }
        $0 == "..." { any = 1; next }
        { while (any && i <= n && got[i] != $0) i++
          any = 0; if (got[i] != $0 || i > n) { bad = 1; exit } i++ }
        END { exit bad || (!any && i <= n) }' "$1"
}

prints() { # name
    src=$tmp/examples/$1.c
    command=$(first_line "$src")
    case $command in cc\ *) ;; *) fail "$1: the first line is no cc command: $command"; return ;; esac
    last_comment "$src" >"$tmp/want"
    [ -s "$tmp/want" ] || { fail "$1: the last comment does not tell the output"; return; }
    out=$(echo "$command" | sed -n 's/.*-o *\([^ ]*\).*/\1/p')
    case $command in *'&&'*) run=true ;; *) run=./${out:-a.out} ;; esac
    dir=$tmp/examples
    case $command in *examples/*) dir=$tmp ;; esac
    (cd "$dir" && eval "$(echo "${CC:-cc} ${command#cc }" | sed "s/ -O2 / -O0 /")" && timeout 60 $run) >"$tmp/raw" 2>"$tmp/log" </dev/null ||
        { fail "$1: $command" "$tmp/log"; return; }
    tidy <"$tmp/raw" >"$tmp/got"
    if same "$tmp/want" "$tmp/got"; then ok
    else
        diff "$tmp/want" "$tmp/got" >"$tmp/log"
        fail "$1: prints something else than its last comment" "$tmp/log"
    fi
}

says_how_to_build() { # name
    command=$(first_line "$tmp/examples/$1.c")
    case $command in "cc "*" examples/$1.c -o $1"*) ;; *) fail "$1: the first line is no cc command: $command"; return ;; esac
    (cd "$tmp" && eval "${CC:-cc} ${command#cc } -O0") >"$tmp/log" 2>&1 && ok || fail "$1: $command" "$tmp/log"
}

# The programs of shared memory are for Windows, too (but for shm_top, which wants a terminal).
windows=x86_64-w64-mingw32-gcc
builds_for_windows() { # name
    $windows -std=c99 -O0 -Wall -Wextra -D__USE_MINGW_ANSI_STDIO=1 -I. -idirafter /usr/include "examples/$1.c" \
        -o "$tmp/$1.exe" -static >"$tmp/log" 2>&1 && [ ! -s "$tmp/log" ] && ok || fail "$1 for Windows" "$tmp/log"
}

quick_start() { # header
    name=${1%.h}
    awk '/^ *QUICK START/ { on = 1; next } /^ *GUARANTEES/ { exit } on { print }' "$1" >"$tmp/$name.c"
    grep -q 'int main' "$tmp/$name.c" || { echo "SKIPPED quick start of $1 (no program)"; skipped=$((skipped + 1)); return; }
    (cd "$tmp" && ${CC:-cc} -I. -o "$name.bin" "$name.c" -llz4 -lpthread -lm && cd examples &&
        timeout 60 "../$name.bin") >"$tmp/log" 2>&1 </dev/null && ok || fail "quick start of $1" "$tmp/log"
}

for f in examples/*.c; do
    [ -f "$f" ] || continue
    n=$(basename "$f" .c)
    builds "$n"
    case $n in *_hello | blackbox) prints "$n" ;; shm_*) says_how_to_build "$n" ;; esac
done
if command -v $windows >/dev/null; then # installed by test-all
    for n in shm_publisher shm_reader shm_control shm_image; do builds_for_windows $n; done
fi
for h in telem*.h; do [ ! -f "$h" ] || quick_start "$h"; done

# The program in README.md: by its command, and what it wrote is read by the tool.
awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' README.md >"$tmp/hello.c"
(cd "$tmp" && ${CC:-cc} -I. -O0 -Wall -Wextra hello.c -llz4 && ./a.out) >"$tmp/log" 2>&1 && [ ! -s "$tmp/log" ] &&
    "$BIN/telem" cat -f csv "$tmp/flight.tlm" 2>&1 | grep -q '^0.001,9.81,21.5' && ok || fail "the program in README.md" "$tmp/log"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
