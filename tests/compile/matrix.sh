#!/bin/sh
# The compile matrix. Each cell is one test: one use of the headers under one compiler and one
# standard, free of every warning in tests/strict.sh.
#   sh tests/compile/matrix.sh gcc|clang|g++|clang++|link|arm|arm-full|self
# ROOT=dir takes the headers from dir; ONLY=pattern (shell pattern) runs the cells of that name.
#
# The uses, for each header h and for all of them together (the first three under every standard,
# the others under the oldest):
#   h.api      included for its declarations            h.impl     with TELEM_IMPLEMENTATION
#   h.static   TELEM_STATIC: nothing unused may warn    h.after    the define after a first include
#   h.twice    the implementation included twice        h.bare     no OS, no stdio, freestanding
#   h.stdio    TELEM_NO_POSIX, nothing else defined     h.gnu      -std=gnuXX, nothing defined
#   order.N    every order of all headers: declarations and implementation
#   alone.h    in a directory where what it does not need cannot be found
set -u
group=$1
ROOT=$(cd "${ROOT:-.}" && pwd)
ONLY=${ONLY:-*}
here=$(dirname "$0")
. "$here/../strict.sh"
out=$(mkdir -p "${BUILD:-build}/compile/$group" && cd "${BUILD:-build}/compile/$group" && pwd)
LIBS="-llz4 -lpthread -lm"
passed=0 failed=0 skipped=0

headers=
for h in telem telem_ring telem_schema telem_file telem_shm; do
    [ ! -f "$ROOT/$h.h" ] || headers="$headers $h"
done

# ---- cells

cell() { # name command...
    cell_name=$1; shift
    case $cell_name in $ONLY) ;; *) return 0 ;; esac
    if "$@" >"$out/log" 2>&1; then passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
    why=$(grep -E 'error|undefined|multiple' "$out/log" | head -n 1)
    if [ -n "$why" ] && grep -qxF "$why" "$out/seen" 2>/dev/null; then
        echo "FAIL $group $cell_name: as above"
        return
    fi
    echo "$why" >>"$out/seen"
    echo "FAIL $group $cell_name: $*" | sed "s|$out/||g; s|$STRICT|STRICT|"
    head -n "${LINES_SHOWN:-8}" "$out/log"
}

# Many files in one call of the compiler; one by one when that fails. file.c is the cell "what.file".
cells() { # what command... -- files...
    what=$1 command=; shift
    while [ "$1" != -- ]; do command="$command $1"; shift; done
    shift
    [ -f "${1:-}" ] || return 0
    if [ "$ONLY" = '*' ] && $command "$@" >/dev/null 2>&1; then passed=$((passed + $#)); return; fi
    for f in "$@"; do cell "$what.$(basename "$f" .c)" $command "$f"; done
}

skip_all() { # package
    echo "SKIPPED the cells of $group (install package $1)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}

# ---- sources

posix='#define _POSIX_C_SOURCE 200809L'
impl='#define TELEM_IMPLEMENTATION'
write() { file=$out/$1.c; shift; printf '%s\n' "$@" >"$file"; }
includes() { for h in "$@"; do echo "#include \"$h.h\""; done; }

uses() { # name headers...
    n=$1; shift
    inc=$(includes "$@")
    write "$n.api" "$inc"
    write "$n.impl" "$posix" "$impl" "$inc"
    write "$n.static" "$posix" '#define TELEM_STATIC' "$impl" "$inc"
    write "$n.gnu" "$impl" "$inc"
    write "$n.stdio" '#define TELEM_NO_POSIX' "$impl" "$inc"
    write "$n.after" "$posix" "$inc" "$impl" "$inc"
    write "$n.twice" "$posix" "$impl" "$inc" "$inc"
    [ "$n" = telem_shm ] || write "$n.bare" '#define TELEM_NO_STDIO' '#define TELEM_NO_POSIX' \
        '#define TELEM_NO_LZ4' "$impl" "$(includes $(without_shm "$@"))"
}
without_shm() { for x in "$@"; do [ "$x" = telem_shm ] || echo "$x"; done; }

orders() { # every order of the words
    awk -v words="$*" 'function go(k, done,   i) {
            if (k > n) { print substr(done, 2); return }
            for (i = 1; i <= n; i++) if (!used[i]) { used[i] = 1; go(k + 1, done " " w[i]); used[i] = 0 } }
        BEGIN { n = split(words, w, " "); go(1, "") }'
}

rm -rf "${out:?}"/*
for h in $headers; do uses "$h" "$h"; done
uses all $headers

# ---- gcc, clang, g++, clang++

standards() {
    case $group in
    gcc | clang) echo c99 c11 ;;
    *) echo c++11 c++17 c++20 ;;
    esac
}

# Every order is dealt to one of the four compilers. Since the headers include each other, most
# orders preprocess to the same text: that is compiled once and its answer holds for all of them.
order_cells() { # standard
    case $group in gcc) turn=0 ;; clang) turn=1 ;; g++) turn=2 ;; *) turn=3 ;; esac
    k=0
    orders $headers >"$out/orders"
    while read -r order; do
        if [ $((k % 4)) = $turn ]; then
            write "order.$k.impl" "$posix" "$impl" "$(includes $order)"
            write "order.$k.api" "$(includes $order)"
            order_cell "$1" "order.$k.impl"
            order_cell "$1" "order.$k.api"
        fi
        k=$((k + 1))
    done <"$out/orders"
}
order_cell() { # standard name
    text=$out/text.$($compiler -std="$1" -E -P "$out/$2.c" 2>/dev/null | cksum | tr ' ' .)
    if [ ! -f "$text" ]; then
        before=$failed
        cell "$2" $compiler -std="$1" -fsyntax-only "$out/$2.c"
        echo $((failed - before)) >"$text"
    elif [ "$(cat "$text")" = 0 ]; then cell "$2" true
    else
        failed=$((failed + 1))
        echo "FAIL $group $2: as above"
    fi
}

# A directory in which the headers that must not be needed are errors.
poison() { # directory names...
    dir=$out/$1; mkdir -p "$dir/sys"; shift
    for x in "$@"; do echo "#error \"$x is not needed here\"" >"$dir/$x"; done
}

alone_cells() { # standard
    poison no_hash xxhash.h lz4.h
    poison no_lz4 lz4.h
    poison no_libc xxhash.h lz4.h stdio.h stdlib.h unistd.h time.h errno.h fcntl.h pthread.h math.h \
        locale.h sys/types.h sys/stat.h sys/mman.h stdatomic.h threads.h
    for h in telem telem_ring; do
        [ -f "$ROOT/$h.h" ] || continue
        cell "alone.$h.hash" $compiler -std="$1" -fsyntax-only -I"$out/no_hash" "$out/$h.impl.c"
        cell "alone.$h.libc" $compiler -std="$1" -ffreestanding -fsyntax-only -I"$out/no_libc" \
            "$out/$h.bare.c"
    done
    [ ! -f "$ROOT/telem_file.h" ] || cell alone.telem_file.lz4 $compiler -std="$1" -fsyntax-only \
        -I"$out/no_lz4" -DTELEM_NO_LZ4 "$out/telem_file.impl.c"
}

# Options of telem.h that change what is compiled, and macros that users' builds define.
option_cells() { # standard
    cells "$group-$1-single" $compiler -std="$1" -fsyntax-only -DTELEM_SINGLE_CORE -- \
        $(ls "$out"/telem.impl.c "$out"/telem_ring.impl.c 2>/dev/null)
    cells "$group-$1-assert" $compiler -std="$1" -fsyntax-only \
        "-DTELEM_ASSERT(x)=((x)?(void)0:__builtin_trap())" -- $(ls "$out"/telem*.impl.c)
    for o in -DTELEM_FILE_NO_MINI -DTELEM_FILE_NO_COLUMNS "-DTELEM_FILE_NO_MINI -DTELEM_FILE_NO_COLUMNS"; do
        cells "$group-$1-$(echo "$o" | tr -d ' ')" $compiler -std="$1" -fsyntax-only -DTELEM_NO_XXH3 $o -- \
            $(ls "$out"/telem_file.impl.c 2>/dev/null)
    done
    # names that windows.h takes
    cells "$group-$1-taken" $compiler -std="$1" -fsyntax-only -Dfar= -Dnear= -Dsmall=char -Dinterface=struct \
        -DPATTERN=struct -DERROR=0 -DDELETE=1 -DIN= -DOUT= -- "$out"/all.impl.c
    cells "$group-$1-gnu" $compiler -std=$(echo "$1" | sed 's/^c/gnu/') -fsyntax-only -- "$out"/*.gnu.c
}

host_cells() {
    command -v "$group" >/dev/null 2>&1 || skip_all "$(echo "$group" | sed 's/clang++/clang/')"
    lang=c strict=$STRICT
    case $group in *++) lang=c++ strict=$(echo "$STRICT" | sed 's/-Wstrict-prototypes//') ;; esac
    compiler="$group -x $lang $strict -I$ROOT"
    first=$(standards | cut -d' ' -f1)
    for last in $(standards); do
        forms='api|impl|static'
        [ $last != "$first" ] || forms=$forms'|after|twice|stdio|bare'
        cells "$group-$last" $compiler -std=$last -fsyntax-only -- \
            $(ls "$out"/*.c | grep -E "\.($forms)\.c\$")
    done
    cd "$out" || exit 1 # objects go there
    # What the optimisers warn of, they warn of in C++, too, and telem_file.h takes half a minute: in C only.
    case $group in *++) level=-O1 ;; *) level=-O3 ;; esac
    cells "$group-$first$level" $compiler -std=$first $level -fstrict-aliasing -Wstrict-aliasing=2 -c -- "$out/all.impl.c"
    [ "$group" != gcc ] || cells "$group-$first-O1" $compiler -std=$first -O1 -c -- "$out/all.bare.c"
    cells "$group-$last-O0" $compiler -std=$last -O0 -DNDEBUG -c -- "$out"/all.impl.c
    alone_cells "$last"
    option_cells "$first"
    order_cells "$last"
}

# ---- linking

cc_for() { # compiler: with language, standard and warnings
    case $1 in
    *++) echo "$1 -x c++ -std=c++11 $(echo "$STRICT" | sed 's/-Wstrict-prototypes//') -I$ROOT" ;;
    *) echo "$1 -std=c99 $STRICT -I$ROOT" ;;
    esac
}
symbols() { nm --defined-only "$1" | awk -v kind="$2" '$2 ~ kind { print $3 }'; }
declared() { # what the headers offer on this target
    $(cc_for gcc) -E -DTELEM_API=telem_api_mark "$1" | tr '\n' ' ' | tr ';{}' '\n\n\n' |
        sed -n 's/.*telem_api_mark[^(]*[ *]\(telem_[a-z0-9_]*\) *(.*/\1/p' | sort -u
}

# A file that takes the address of every function of the API, and calls one.
user_source() { # name headers...
    n=$1; shift
    {
        includes "$@"
        echo 'typedef void (*telem_user_fn)(void);'
        echo 'extern telem_user_fn telem_user_table[];'
        echo 'telem_user_fn telem_user_table[] = {'
        for f in $(declared "$out/$n.api.c"); do echo "    (telem_user_fn)$f,"; done
        echo '};'
        echo 'int main(void) {'
        echo '    size_t i, n = sizeof telem_user_table / sizeof *telem_user_table;'
        echo '    for (i = 0; i < n; i++) if (!telem_user_table[i]) return 1;'
        echo '    return n ? 0 : 1;'
        echo '}'
    } >"$out/$n.user.c"
}

object() { # compiler, file: compiled once
    o=$out/$(basename "$2" .c).$1.o
    [ -f "$o" ] || $(cc_for "$1") -c "$2" -o "$o"
}
linked() { # compilers of the implementation and of the user, name
    o=$out/$3.$1.$2
    object "$1" "$out/$3.impl.c" && i=$o && o=$out/$3.$1.$2 &&
        $(cc_for "$2") -Wno-cast-function-type -c "$out/$3.user.c" -o "$o.user.o" &&
        "$2" "$i" "$o.user.o" -o "$o" $LIBS && "$o"
}

two_static() { # compiler
    object "$1" "$out/all.static.c" && a=$o && object "$1" "$out/other.c" && b=$o &&
        "$1" "$a" "$b" -o "$out/static.$1" $LIBS && "$out/static.$1"
}

no_globals() { # name: a static copy exports nothing
    object gcc "$out/$1.static.c" || return 1
    left=$(symbols "$o" '^[A-Z]$')
    [ -z "$left" ] || { echo "error: exported: $left"; return 1; }
}

own_names() { # name: what is exported begins with telem_ and, where it is not telem_i_, is declared
    object gcc "$out/$1.impl.c" || return 1
    symbols "$o" '^[A-Z]$' | sort -u >"$out/exported"
    declared "$out/$1.api.c" >"$out/declared"
    bad=$(grep -v '^telem_' "$out/exported"; grep -v '^telem_i_' "$out/exported" | grep -vxFf "$out/declared")
    [ -z "$bad" ] || { echo "error: exported but not declared:" $bad; return 1; }
}

same_after() { # name: a define after the first include yields the same functions
    object gcc "$out/$1.impl.c" && symbols "$o" . >"$out/first" &&
        object gcc "$out/$1.after.c" && symbols "$o" . >"$out/after" || return 1
    [ -s "$out/first" ] && diff "$out/first" "$out/after" | sed 's/^[<>]/error: differs/' | tee "$out/differs"
    [ ! -s "$out/differs" ]
}

no_clash() { # an internal name belongs to one header: a program may hold all implementations
    for h in $headers; do
        grep -ohE '^(TELEM_UNUSED )?static [^=;(]*telem_i_[a-z0-9_]+ *\(' "$ROOT/$h.h" |
            grep -oE 'telem_i_[a-z0-9_]+ *\($' | sort -u
    done | sort | uniq -d | sed 's/ *($/: error: defined by two headers/' | tee "$out/clash"
    [ ! -s "$out/clash" ]
}

# In strict -std=c99 the system hides fileno, clock_gettime and their like: one clear error, or
# nothing at all, but never a storm.
clear_error() { # name
    printf '%s\n' "$impl" "$(includes "$1")" >"$out/hidden.c"
    gcc -std=c99 $STRICT -I"$ROOT" -fsyntax-only "$out/hidden.c" >"$out/hidden.log" 2>&1 && return
    cat "$out/hidden.log"
    [ "$(grep -c 'error:' "$out/hidden.log")" -le 4 ] &&
        grep 'error:' "$out/hidden.log" | head -n 1 | grep -q '_POSIX_C_SOURCE'
}

link_cells() {
    command -v gcc >/dev/null 2>&1 || skip_all gcc
    for h in $headers; do user_source "$h" "$h"; done
    user_source all $headers
    write other "$posix" '#define TELEM_STATIC' "$impl" "$(includes $headers)" 'int main(void) { return 0; }'
    cell no_clash no_clash
    for h in $headers; do
        cell "link.$h" linked gcc gcc "$h"
        cell "no_globals.$h" no_globals "$h"
        cell "own_names.$h" own_names "$h"
        cell "after.$h" same_after "$h"
        cell "clear_error.$h" clear_error "$h"
    done
    for pair in gcc=gcc gcc=g++ g++=gcc g++=g++ clang=gcc gcc=clang++ clang++=clang; do
        a=${pair%=*} b=${pair#*=}
        if command -v "$a" >/dev/null && command -v "$b" >/dev/null; then
            cell "link.all.$a.$b" linked "$a" "$b" all
        fi
    done
    for c in gcc g++ clang clang++; do
        if command -v $c >/dev/null; then cell "two_static.$c" two_static $c; fi
    done
}

# ---- Cortex-M

core_flags() {
    case $1 in
    m0plus) echo -mcpu=cortex-m0plus ;;
    m3) echo -mcpu=cortex-m3 ;;
    m4) echo -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16 ;;
    m7) echo -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16 ;;
    m33) echo -mcpu=cortex-m33 -mfloat-abi=hard -mfpu=fpv5-sp-d16 ;;
    esac
}

# The object needs nothing but the memory functions and the compiler's own helpers: in particular
# no __atomic_ library call, which no Cortex-M can link.
bare_object() { # object name, command...
    object=$1; shift
    "$@" -o "$object" || return 1
    left=$(arm-none-eabi-nm -u "$object" | awk '{ print $2 }' |
        grep -vxE 'memcpy|memmove|memset|memcmp|strlen|__aeabi_.*|__gnu_thumb1_case_.*|__popcount[sd]i2|__clz[sd]i2|__ctz[sd]i2|telem_.*')
    [ -z "$left" ] || { echo "error: needs" $left; return 1; }
}

# Every header on the M0+, all of them together on the others. arm-full adds every header on the M4, and C++ on all.
arm_cells() {
    command -v arm-none-eabi-gcc >/dev/null 2>&1 || skip_all gcc-arm-none-eabi
    echo '#include <string.h>' | arm-none-eabi-gcc -x c -fsyntax-only - 2>/dev/null || skip_all libnewlib-arm-none-eabi
    mkdir -p "$out/dep"
    cp /usr/include/xxhash.h "$out/dep/" # header only: the PC's serves
    xx=$(echo "$STRICT" | sed 's/-Wstrict-prototypes//')
    for core in m0plus m3 m4 m7 m33; do
        case $group-$core in arm-m0plus | arm-full-m4) each='*' ;; *) each=all ;; esac
        flags="-mthumb $(core_flags $core) -Os -ffreestanding -ffunction-sections -I$ROOT -isystem $out/dep"
        for f in "$out"/$each.bare.c; do
            n=$(basename "$f" .bare.c)
            case $group-$core in arm-full-m4 | arm-m*)
                cell "$core.$n.c99" bare_object "$out/$core.$n.o" arm-none-eabi-gcc -std=c99 $STRICT $flags -c "$f" ;;
            esac
            case $group-$core-$n in arm-full-m4-* | arm-full-m[37]*-all | arm-m0plus-all)
                cell "$core.$n.c++11" bare_object "$out/$core.$n.oo" arm-none-eabi-g++ -std=c++11 $xx \
                    -fno-exceptions -fno-rtti $flags -x c++ -c "$f" ;;
            esac
        done
    done
}

# ---- the matrix itself: each seeded defect must be found by its cell

defect() { # group cell place text: at the end of the API (api), in the implementation (impl), by sed
    copy=$out/defect
    rm -rf "$copy"
    mkdir -p "$copy"
    cp "$ROOT"/telem*.h "$copy/"
    if [ "$3" = sed ]; then sed -i "$4" "$copy/telem.h"
    elif [ "$3" = impl ]; then
        sed -i "s|^#define TELEM_H_IMPLEMENTATION.*|&\n$4|" "$copy/telem.h"
    else sed -i "s|^#endif /\* TELEM_H \*/|$4\n&|" "$copy/telem.h"; fi
    ! cmp -s "$copy/telem.h" "$ROOT/telem.h" || { echo "error: the defect was not seeded"; return 1; }
    said=$(ROOT=$copy ONLY=$2 BUILD=$out/build sh "$here/matrix.sh" "$1")
    echo "$said"
    case $(echo "$said" | tail -n 1) in *" passed, 0 failed,"*) return 1 ;; *" failed,"*) return 0 ;; *) return 1 ;; esac
}

seed() { # tool name group cell place text
    if command -v "$1" >/dev/null 2>&1; then n=$2; shift 2; cell "self.$n" defect "$@"
    else
        case $1 in arm-*) p=gcc-arm-none-eabi ;; clang*) p=clang ;; *) p=$1 ;; esac
        echo "SKIPPED self.$2 (install package $p)"
        skipped=$((skipped + 1))
    fi
}

self_cells() {
    one='int telem_i_defect(long x);'
    seed gcc conversion gcc 'gcc-c99.telem.impl' impl "$one int telem_i_defect(long x) { return x; }"
    seed clang shadow clang 'clang-c11.telem.impl' impl \
        'int telem_i_defect(int x); int telem_i_defect(int x) { { int x = 1; (void)x; } return x; }'
    seed g++ void_pointer g++ 'g++-c++11.telem.impl' impl \
        'int *telem_i_defect(void *p); int *telem_i_defect(void *p) { int *q = p; return q; }'
    seed clang++ unused_static clang++ 'clang++-c++17.telem.impl' impl 'static int telem_i_defect(void) { return 0; }'
    seed gcc undef gcc 'gcc-c99.telem.api' api '#if TELEM_NOT_DEFINED\n#endif'
    seed gcc hash_needed gcc 'alone.telem.hash' api '#include <xxhash.h>'
    seed gcc libc_needed gcc 'alone.telem.libc' api '#include <stdlib.h>'
    seed gcc body_in_api link 'link.telem' api 'TELEM_API int telem_defect(void); TELEM_API int telem_defect(void) { return 1; }'
    seed gcc no_body link 'link.telem' api 'TELEM_API int telem_defect(void);'
    seed g++ no_extern_c link 'link.all.gcc.g++' sed 's/extern "C"/extern/'
    seed gcc foreign_name link 'own_names.telem' impl 'int defect(void); int defect(void) { return 1; }'
    seed gcc static_exports link 'no_globals.telem' impl 'int telem_i_defect(void); int telem_i_defect(void) { return 1; }'
    seed gcc late_define link 'after.telem' api '#ifndef TELEM_IMPLEMENTATION\n#define TELEM_H_IMPLEMENTATION\n#endif'
    seed clang no_guard clang 'clang-c99.telem.twice' sed 's/^#define TELEM_H_IMPLEMENTATION//'
    seed gcc two_copies link 'two_static.gcc' impl 'int telem_i_defect(void); int telem_i_defect(void) { return 1; }'
    seed arm-none-eabi-gcc atomic64 arm-full 'm4.telem.c99' impl \
        'uint64_t telem_i_defect(uint64_t *p); uint64_t telem_i_defect(uint64_t *p) { return __atomic_load_n(p, 0); }'
    seed arm-none-eabi-gcc fetch_add arm 'm0plus.telem.c99' impl \
        'uint32_t telem_i_defect(uint32_t *p); uint32_t telem_i_defect(uint32_t *p) { return __atomic_fetch_add(p, 1, 0); }'
    seed arm-none-eabi-gcc libc_call arm-full 'm4.telem.c99' impl \
        'extern int printf(const char *, ...); int telem_i_defect(void); int telem_i_defect(void) { return printf("%d", 1); }'
}

case $group in
link) link_cells ;;
arm | arm-full) arm_cells ;;
self) self_cells ;;
gcc | clang | g++ | clang++) host_cells ;;
*) echo "matrix.sh: what is $group?" >&2; exit 2 ;;
esac
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
