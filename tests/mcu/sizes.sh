#!/bin/sh
# What the parts of telem take on a Cortex-M, from the linked images of size.c.
#   sh tests/mcu/sizes.sh                 the table: flash, RAM, worst stack; all cores, -Os and -O2 (make mcu-sizes);
#                         BOARDS="m4" OPTS=-Os ONLY="small_rows small_mini": of these
#   sh tests/mcu/sizes.sh check [board..] nothing is linked that must not be: no heap, printf, recursion, double
#                         arithmetic, 64-bit atomics, libc beyond memcpy, memset and memcmp (image.awk)
#   sh tests/mcu/sizes.sh find BOARD n    an image with defect n of size.c is told as what it is
# flash: code and constants over those of an image that does nothing but has memcpy and memset; other parts of libc and
# libgcc are in it.
# stack: the dearest path of calls, frames as gcc states them (-fstack-usage); beside it what a run really used.
# RAM: what the user hands over, structs included, without room for records, rows and blocks (size.c).
set -u
BUILD=${BUILD:-build}
out=$BUILD/mcu
mkdir -p "$out"
parts="nothing ring ring_shared attach schema rows mini reader all rows_small mini_small small small_shared small_rows small_mini"

# part number, board, flags: image out/size.elf and its graph
image() {
    n=$1 b=$2; shift 2
    elf=$out/size-$b-$n.elf
    rm -f "$out"/size-$b-$n*.ci
    sh tests/mcu.sh build "$b" size "$elf" -DPART="$n" -fcallgraph-info=su -dumpdir "$out/size-$b-$n-" -g0 "$@" ||
        { echo "FAIL size.c part $n does not build on $b"; return 1; }
}
graph() { # board part: what image.awk says of the image
    cat "$out"/size-$1-$2-*.ci >"$out/size-$1-$2.graph"
    arm-none-eabi-objdump -d --no-show-raw-insn "$out/size-$1-$2.elf" >"$out/size-$1-$2.asm"
    awk -f tests/mcu/image.awk "$out/size-$1-$2.graph" "$out/size-$1-$2.asm" "$out/size-$1-$2.elf.map"
}
flash() { arm-none-eabi-size "$out/size-$1-$2.elf" | awk 'NR == 2 { print $1 + $2 }'; }

check() { # board part; TELEM_STATIC: what is not used is dropped by the compiler, in a third of the time
    checks=$((checks + 1))
    image "$2" "$1" -Os -DTELEM_STATIC && graph "$1" "$2" >"$out/size-$1-$2.links" && return
    failed=$((failed + 1))
    echo "FAIL size.c part $2 on $1 links what it must not:"
    grep BAD "$out/size-$1-$2.links"
}
case ${1:-} in
check)
    shift
    failed=0 checks=0
    for b in "${@:-m4}"; do check "$b" 8; done
    echo "$((checks - failed)) passed, $failed failed, 0 skipped"
    [ $failed = 0 ]; exit ;;
find) # board defect: it is found
    set -- "$2" "$3" "$(echo "malloc recursion strlen sprintf double" | cut -d ' ' -f "$3")"
    image 0 "$1" -Os -UBREAK -DBREAK="$2" -fno-builtin || exit 2
    ! graph "$1" 0 >"$out/size-$1-0.links" && grep -q "^BAD .*$3" "$out/size-$1-0.links" && exit
    echo "FAIL size.c on $1: defect $2 is not found"
    exit 1 ;;
esac

printf '%-5s %-4s %-12s %7s %7s %7s %9s\n' core opt part flash RAM stack "(a run)"
for b in ${BOARDS:-m0 m3 m4 m7 m33}; do
    for o in ${OPTS:--Os -O2}; do
        n=0
        for p in $parts; do
            case " ${ONLY:-$parts} nothing " in *" $p "*) ;; *) n=$((n + 1)); continue ;; esac
            image $n "$b" $o || exit 1
            f=$(flash "$b" $n)
            if [ $n = 0 ]; then none=$f; else
                image $n "$b" $o -DREPORT || exit 1
                s=$(graph "$b" $n | awk '/^stack/ { print $2 }')
                sh tests/mcu.sh boot "$b" "$out/size-$b-$n.elf" >"$out/size.run"
                r=$(awk '/ram /{ print $2 }' "$out/size.run") u=$(awk '/stack /{ print $2 }' "$out/size.run")
                printf '%-5s %-4s %-12s %7s %7s %7s %9s\n' "$b" "$o" "$p" $((f - none)) "$r" "$s" "$u"
            fi
            n=$((n + 1))
        done
    done
done
