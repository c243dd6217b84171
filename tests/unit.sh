#!/bin/sh
# One unit of a test run: builds one test in one configuration, runs it, prints one line (or, when
# it failed, all it said) and leaves "passed failed skipped" in build/result.
#   sh tests/unit.sh cc tests/test_telem.c          the user's CC and CFLAGS
#   sh tests/unit.sh asan tests/test_telem.c        clang: asan (with ubsan), tsan. Both are short
#                                                   (CHECK_QUICK, and -O0 compiles in a sixth of
#                                                   the time); asan-full runs the whole of it
#   sh tests/unit.sh s390x tests/test_telem.c       a target: m32, aarch64, s390x, win
#   sh tests/unit.sh fuzz tests/fuzz_file.c         FUZZ_SECONDS=n; 0 replays the kept corpus
#   sh tests/unit.sh stress tests/stress_ring.c     STRESS_SECONDS=n
#   sh tests/unit.sh model tests/model_ring.cc      relacy; MODEL=long for long
#   sh tests/unit.sh script tests/tool.sh           any script that ends with the closing line
#   sh tests/unit.sh compile gcc                    a group of the compile matrix
# CHECK_VERBOSE=1 shows the whole log of a unit that passes, too.
set -u
start=$(date +%s)
config=$1 what=$2
export BUILD=${BUILD:-build} CC=${CC:-cc} CFLAGS=${CFLAGS:--O2}
export BIN=$BUILD/bin-test LOCPATH=$PWD/$BUILD/locale
base=$(basename "$what") && base=${base%.*}
name=$config-$base
bin=$BUILD/$config/$base
log=$BUILD/log/$name.log
mkdir -p "$BUILD/$config" "$BUILD/log" "$BUILD/result"
. tests/strict.sh
cxx_strict=$(echo "$STRICT" | sed 's/-Wstrict-prototypes//')

finish() { # passed failed skipped
    echo "$1 $2 $3" >"$BUILD/result/$name"
    exit 0
}

skip() { # package
    echo "SKIPPED $name (install package $1)"
    finish 0 0 1
}

need() { command -v "$1" >/dev/null 2>&1 || skip "$2"; } # tool package

failed() { # why passed failed skipped
    { echo "FAIL $name: $1"; tail -n "${LOG_LINES:-80}" "$log"; echo "  (whole log: $log)"; } >"$log.short"
    cat "$log.short"
    finish "$2" "$3" "$4"
}

# build output command...: not repeated while the command, the sources and the headers stand still.
fresh() {
    [ -f "$1" ] && [ "$(cat "$1.cmd" 2>/dev/null)" = "$2" ] &&
        [ -z "$(find ./*.h tests examples -name '*.[ch]*' -newer "$1" | head -n 1)" ]
}
build() {
    out=$1; shift
    fresh "$out" "$*" && return
    rm -f "$out"
    "$@" -o "$out" >"$log" 2>&1 && echo "$*" >"$out.cmd" && return
    sed -i "1i$*" "$log"
    failed "does not compile" 0 1 0
}

# lz4.c is compiled once per target; two units may do so at the same time.
lz4_object() { # compiler flags...
    [ -f "$BUILD/dep/lz4.c" ] || { echo "-DTELEM_NO_LZ4"; return; }
    o=$BUILD/$config/lz4.o
    [ -f "$o" ] || { "$@" -O2 -c "$BUILD/dep/lz4.c" -o "$o.$$" && mv "$o.$$" "$o"; } >/dev/null 2>&1
    [ -f "$o" ] && echo "$o" || echo "-DTELEM_NO_LZ4"
}

# The closing line says how many; a program that dies without one counts as failed.
run() {
    status=0
    CHECK_VERBOSE=1 timeout -k 5 "${UNIT_TIMEOUT:-240}" "$@" >"$log" 2>&1 </dev/null || status=$?
    line=$(tr -d '\r' <"$log" | grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' | tail -n 1)
    set -- $(echo "$line" | tr -cd '0-9 ')
    [ $# = 3 ] || set -- 0 0 0
    [ $status != 124 ] || failed "takes too long" "$1" $(($2 + 1)) "$3"
    [ -n "$line" ] || failed "dies, status $status" 0 1 0
    [ "$2" = 0 ] || failed "$line" "$1" "$2" "$3"
    [ $status = 0 ] || failed "$line, but status $status" "$1" 1 "$3"
    [ $(($1 + $3)) -gt 0 ] || failed "has no tests" 0 1 0
    passed "$@"
}

passed() {
    more=
    [ "$3" = 0 ] || more=", $3 skipped"
    {
        printf 'ok %-34s %s passed%s (%d s)\n' "$name" "$1" "$more" $(($(date +%s) - start))
        if [ -n "${CHECK_VERBOSE:-}" ]; then cat "$log"
        else grep '^SKIPPED' "$log" | sort -u | head -n 8 | sed 's/^/   /'; fi
    } >"$log.short"
    cat "$log.short"
    finish "$@"
}

native() { # compiler command...
    build "$bin" "$@" $STRICT -I. -Itests "$what" -lpthread -lm -llz4
    run "$bin"
}

# cross "runner" command...
cross() {
    runner=$1; shift
    set -- "$@" -std=c99 -O1 -DTELEM_FILE_NO_O3 $STRICT -I. -Itests -isystem "$BUILD/dep"
    build "$bin" "$@" "$what" $(lz4_object "$@") $LIBS
    CHECK_QUICK=1 run $runner "$bin"
}

sanitized() {
    need clang clang
    compiler="clang -std=c11"
    case $what in *.cc) compiler="clang++ -std=c++17" STRICT=$cxx_strict ;; esac
    native $compiler -gline-tables-only -fno-omit-frame-pointer -fno-sanitize-recover=all "$@"
}

# What libFuzzer finds stays in build/corpus between runs; `make fuzz-keep` adds the useful part
# to tests/corpus.
fuzz() {
    need clang clang
    found=$BUILD/corpus/${base#fuzz_} kept=tests/corpus/${base#fuzz_}
    mkdir -p "$found"
    [ -d "$kept" ] || kept=
    level=-O1
    [ "$1" -gt 0 ] || level=-O0 bin=$bin-replay
    build "$bin" clang -std=c11 $level -gline-tables-only -fsanitize=fuzzer,address,undefined \
        -fno-sanitize-recover=all $STRICT -I. -Itests "$what" -lpthread -lm -llz4
    limit="-max_total_time=$1 -seed=$((${CHECK_SEED:-0} % 4294967295))"
    [ "$1" -gt 0 ] || limit=-runs=0
    if timeout -k 5 $(($1 + 120)) "$bin" $limit -rss_limit_mb=1024 -timeout=20 -max_len=65536 \
        -print_final_stats=1 -artifact_prefix="$bin." "$found" $kept >"$log" 2>&1; then passed 1 0 0
    fi
    LOG_LINES=25 failed "repeat with $bin and the file named below" 0 1 0
}

export UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
LIBS="-lpthread -lm"
case $config in
cc)
    case $what in
    *.cc) need ${CXX:=g++} g++ && STRICT=$cxx_strict native $CXX -std=c++11 $CFLAGS ;;
    *) native $CC -std=c99 $CFLAGS ;;
    esac ;;
asan) CHECK_QUICK=1 sanitized -O0 -fsanitize=address,undefined ;;
asan-full) # the same program, the whole of it: compiling it optimised would take longer than that saves
    mkdir -p "$BUILD/asan" && bin=$BUILD/asan/$base
    sanitized -O0 -fsanitize=address,undefined ;;
tsan) CHECK_QUICK=1 sanitized -O1 -fsanitize=thread ;;
stress)
    export STRESS_SECONDS=${STRESS_SECONDS:-30} UNIT_TIMEOUT=$((${STRESS_SECONDS:-30} + 120))
    native $CC -std=c99 $CFLAGS ;;
fuzz) fuzz "${FUZZ_SECONDS:-60}" ;;
model)
    need g++ g++
    [ -e /usr/include/relacy/relacy.hpp ] || skip relacy-dev
    build "$bin" g++ -std=c++17 -O1 -w -fpermissive -I. -Itests "$what" -lpthread
    run "$bin" ;;
script) run sh "$what" ;;
compile) run sh tests/compile/matrix.sh "$what" ;;
m32)
    echo 'int main(void) { return 0; }' | gcc -m32 -x c - -o "$bin.try" 2>/dev/null ||
        skip "gcc-$(gcc -dumpversion | cut -d. -f1)-multilib"
    cross "" gcc -m32 -idirafter /usr/include/x86_64-linux-gnu ;;
aarch64 | s390x)
    need $config-linux-gnu-gcc gcc-$config-linux-gnu
    need qemu-$config-static qemu-user-static
    cross qemu-$config-static $config-linux-gnu-gcc -static ;;
win)
    need x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64-win32
    [ -x /usr/lib/wine/wine64 ] || skip wine64
    export WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=" WINEPREFIX="$PWD/$BUILD/wine"
    bin=$bin.exe
    cross /usr/lib/wine/wine64 x86_64-w64-mingw32-gcc -static -D__USE_MINGW_ANSI_STDIO=1 ;;
*) echo "unit.sh: what is $config?" >&2; exit 2 ;;
esac
