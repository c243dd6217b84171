#!/bin/sh
# One unit of a test run: builds one test in one configuration, runs it, prints one line (or, when
# it failed, all it said) and leaves "passed failed skipped" in build/result.
#   sh tests/unit.sh cc tests/test_telem.c          the user's CC and CFLAGS
#   sh tests/unit.sh asan tests/test_telem.c        clang: asan (with ubsan), tsan. Both are short
#                                                   (CHECK_QUICK); asan-full runs the whole of it
#   sh tests/unit.sh s390x tests/test_telem.c       a target: m32, aarch64, s390x, win
#   sh tests/unit.sh fuzz tests/fuzz_file.c         FUZZ_SECONDS=n; 0 replays the kept corpus
#   sh tests/unit.sh stress tests/stress_ring.c     STRESS_SECONDS=n
#   sh tests/unit.sh model tests/model_ring.cc      relacy; MODEL=long for long
#   sh tests/unit.sh script tests/tool.sh           any script that ends with the closing line
#   sh tests/unit.sh compile gcc                    a group of the compile matrix
#   sh tests/unit.sh object asan                    tests/headers.c alone, see below
# CHECK_VERBOSE=1 shows the whole log of a unit that passes, too.
# A test that uses only the API of telem_file.h and says "UNIT: linked" is compiled with -DTEST_LINKED, without the
# implementation: that is compiled once per configuration, from tests/headers.c. (Without the flag it is a program of
# one file, like the others: cc -I. -Itests tests/test_file_io.c -llz4 -lm.) UNIT_LINKED=0 builds all in one file.
# "UNIT: optimised" is for a test that runs longer under asan -O0 than -O1 takes to compile.
set -u
start=$(date +%s)
case $1 in object) config=$2 what=tests/headers.c ;; *) config=$1 what=$2 ;; esac
export BUILD=${BUILD:-build} CC=${CC:-cc} CFLAGS=${CFLAGS:--O2}
export BIN=$BUILD/bin-test LOCPATH=$PWD/$BUILD/locale
base=$(basename "$what") && base=${base%.*}
name=$config-$base
[ $1 != object ] || name=object-$config
dir=$BUILD/${config%-full}
bin=$dir/$base
log=$BUILD/log/$name.log
objects=
mkdir -p "$dir" "$BUILD/log" "$BUILD/result"
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

# build output command...: not repeated while the command, the sources and the headers stand still. What is built is
# as old as the start of its compiler: a file saved meanwhile is newer. It appears at once, and two wait for each other.
fresh() {
    [ -f "$1" ] && [ "$(cat "$1.cmd" 2>/dev/null)" = "$2" ] &&
        [ -z "$(find ./*.h $sources -name '*.[cho]*' -newer "$1" | head -n 1)" ]
}
sources="tests examples"
build() {
    out=$1; shift
    : >>"$log"
    exec 9>"$out.lock"
    ! command -v flock >/dev/null 2>&1 || flock 9
    if ! fresh "$out" "$*"; then
        rm -f "$out" && : >"$out.start"
        "$@" -o "$out.new" >"$log" 2>&1 9>&- || { sed -i "1i$*" "$log"; failed "does not compile" 0 1 0; }
        touch -r "$out.start" "$out.new" && mv "$out.new" "$out" && echo "$*" >"$out.cmd"
    fi
    exec 9>&-
}

# lz4.c, where the target has no liblz4.
lz4_object() { # compiler flags...
    [ -f "$BUILD/dep/lz4.c" ] || { echo "-DTELEM_NO_LZ4"; return; }
    o=$dir/lz4.o
    [ -f "$o" ] || { "$@" -O2 -c "$BUILD/dep/lz4.c" -o "$o.$$" && mv "$o.$$" "$o"; } >/dev/null 2>&1
    [ -f "$o" ] && echo "$o" || echo "-DTELEM_NO_LZ4"
}

# program compile-command...: builds the test, with what it is linked with. The object's level is its own: it runs in
# many tests.
program() {
    objects=
    if [ "${UNIT_LINKED:-1}" = 1 ] && grep -q "UNIT: linked" "$what"; then
        sources="tests/headers.c tests/peek.h"
        build "$dir/headers.o" "$@" $object_level -c tests/headers.c
        objects=$dir/headers.o sources="tests examples $dir/headers.o"
        set -- "$@" -DTEST_LINKED
    fi
    [ "$what" != tests/headers.c ] || passed 1 0 0
    build "$bin" "$@" "$what" $objects $LIBS
}

# The closing line says how many; a program that dies without one counts as failed.
run() {
    status=0
    CHECK_VERBOSE=1 timeout -k 5 "${UNIT_TIMEOUT:-600}" "$@" >"$log" 2>&1 </dev/null || status=$?
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
    LIBS="$LIBS -llz4"
    program "$@" $STRICT -I. -Itests
    run "$bin"
}

# cross "runner" command...
cross() {
    runner=$1; shift
    set -- "$@" -std=c99 -O1 -DTELEM_FILE_NO_O3 $STRICT -I. -Itests -isystem "$BUILD/dep"
    lz4=$(lz4_object "$@")
    case $lz4 in -D*) set -- "$@" $lz4 ;; *) LIBS="$lz4 $LIBS" ;; esac
    program "$@"
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

object_level=
export UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
LIBS="-lpthread -lm"
case $config in
cc)
    case $what in
    *.cc) need ${CXX:=g++} g++ && STRICT=$cxx_strict native $CXX -std=c++11 $CFLAGS ;;
    *) native $CC -std=c99 $CFLAGS ;;
    esac ;;
asan | asan-full) # -O0 compiles in a sixth of the time, -O1 runs in a quarter of it
    [ $config = asan-full ] || export CHECK_QUICK=1
    object_level=-O1 level=-O0
    ! grep -q "UNIT: optimised" "$what" || level=-O1
    sanitized $level -fsanitize=address,undefined ;;
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
