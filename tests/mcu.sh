#!/bin/sh
# Programs for emulated Cortex-M boards (QEMU): built, linked against the unmodified headers, run.
#   sh tests/mcu.sh           what `make test` takes: a slice on three boards
#   sh tests/mcu.sh full      every program on every board (make mcu)
#   sh tests/mcu.sh run BOARD PROGRAM [flags]    one, with its output
# A program is tests/mcu/*.c with a main(). Its first lines say what it is for, and to this script:
#   n what      below "BREAK=n": a defect that it has to find: built with -DBREAK=n it must fail
#   BOARDS: ..  on which it runs       SHIFT: n   an instruction takes 2^n ns (5)
set -u
BUILD=${BUILD:-build}
out=$BUILD/mcu
passed=0 failed=0
mkdir -p "$out"
. tests/strict.sh

finish() { echo "$passed passed, $failed failed, ${1:-0} skipped"; [ $failed = 0 ]; exit; }
need() { command -v "$1" >/dev/null 2>&1 || { echo "SKIPPED mcu (install package $2)"; finish 1; }; }
need arm-none-eabi-gcc gcc-arm-none-eabi
need qemu-system-arm qemu-system-arm
echo '#include <string.h>' | arm-none-eabi-gcc -x c -fsyntax-only - 2>/dev/null || need libnewlib libnewlib-arm-none-eabi

# board: machine, number in board.h, flash, RAM, their sizes, compiler flags
board() {
    float="-mfloat-abi=hard -mfpu"
    case $1 in
    m0) set -- microbit 3 0 0x20000000 0x40000 0x4000 "-mcpu=cortex-m0" ;;
    m3) set -- mps2-an385 1 0 0x20000000 0x400000 0x400000 "-mcpu=cortex-m3" ;;
    m4) set -- mps2-an386 1 0 0x20000000 0x400000 0x400000 "-mcpu=cortex-m4 $float=fpv4-sp-d16" ;;
    m7) set -- mps2-an500 1 0 0x20000000 0x400000 0x400000 "-mcpu=cortex-m7 $float=fpv5-sp-d16" ;;
    m33) set -- mps2-an505 2 0x10000000 0x38000000 0x400000 0x400000 "-mcpu=cortex-m33 $float=fpv5-sp-d16" ;;
    stm32f4) set -- netduinoplus2 4 0x08000000 0x20000000 0x100000 0x20000 "-mcpu=cortex-m4 $float=fpv4-sp-d16" ;;
    *) echo "mcu.sh: what board is $1?" >&2; exit 2 ;;
    esac
    machine=$1 number=$2 flags=$7
    map="-Wl,--defsym=FLASH=$3,--defsym=RAM=$4,--defsym=FLASH_SIZE=$5,--defsym=RAM_SIZE=$6"
}
boards="m0 m3 m4 m7 m33 stm32f4"

# compile output board program flags...
compile() {
    elf=$1 source=tests/mcu/$3.c
    board "$2"; shift 3
    arm-none-eabi-gcc -std=c99 -mthumb $flags -DBOARD=$number -DBREAK=0 -Os -g $STRICT -Wno-pedantic \
        -ffunction-sections -fdata-sections -I. -Itests/mcu -I"$BUILD/dep" "$@" tests/mcu/startup.c "$source" \
        -nostartfiles --specs=nosys.specs -Wl,--gc-sections,-Map="$elf.map" -T tests/mcu/mcu.ld $map \
        -o "$elf"
}
emulate() { # image shift: prints what it says, answers its status
    timeout -k 2 "${MCU_TIMEOUT:-60}" qemu-system-arm -M "$machine" -icount shift="$2" -nographic -monitor none \
        -serial "${SERIAL:-none}" -semihosting-config enable=on,target=native -kernel "$1" </dev/null 2>&1
}

note() { # ok? name [log]
    if [ "$1" = 0 ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL $2"
        [ -z "${3:-}" ] || tail -n 15 "$3"
    fi
}

mark() { sed -n "s/.*$1: *\([a-z0-9 ]*\).*/\1/p" "tests/mcu/$2.c" | head -n 1; } # word program
defects() { sed -n '/BREAK=n/,/\*\//s/^ *\([0-9]\) .*/\1/p' "tests/mcu/$1.c"; } # program
shift_of() { s=$(mark SHIFT "$1"); echo "${s:-5}" | tr -d ' '; }

# board program: it must pass
good() {
    name=$1-$2; log=$out/$name.log
    { compile "$out/$name.elf" "$@" -DSCALE=$scale && emulate "$out/$name.elf" "$(shift_of "$2")"; } >"$log" 2>&1
    note $? "$name" "$log"
}
# board program defect: it must build, run and fail with status 1 (not crash, not hang)
bad() {
    name=$1-$2-break$3; log=$out/$name.log
    compile "$out/$name.elf" "$1" "$2" -UBREAK -DBREAK="$3" -DSCALE=$scale >"$log" 2>&1 ||
        { note 1 "$name does not build" "$log"; return; }
    emulate "$out/$name.elf" "$(shift_of "$2")" >>"$log" 2>&1
    [ $? = 1 ]
    note $? "$name: the seeded defect is not found" "$log"
}

scale=1 broken="m4"
case ${1:-slice} in
run)
    b=$2 p=$3; shift 3
    compile "$out/run.elf" "$b" "$p" -DSCALE=${SCALE:-1} "$@" && emulate "$out/run.elf" "$(shift_of "$p")"
    echo "status $?"; exit ;;
slice) boards="m0 m4" ;;
full) scale=4 broken="m0 m3 m4" ;;
*) echo "mcu.sh: what is $1?" >&2; exit 2 ;;
esac
# board flags: the flight over the UART is the one of a PC, byte for byte; read live, and spoiled on the way
uart() {
    b=$1; shift; name=$b-flight$(echo "$*" | tr -d ' ='); at=$out/$name
    ${CC:-cc} -std=c99 -O2 -DHOST -DTELEM_NO_POSIX -I. -I"$BUILD/dep" "$@" tests/mcu/flight.c -o "$at.host" >"$at.log" 2>&1 &&
        "$at.host" >"$at.sent" && compile "$at.elf" "$b" flight "$@" >>"$at.log" 2>&1
    note $? "$name" "$at.log" || return
    rm -f "$at.sock" "$at.tlm"
    if [ "$scale" != 1 ]; then
        "$out/listen" "unix:$at.sock" 0 "$at.sent" >>"$at.log" 2>&1 & listener=$!
        SERIAL="unix:$at.sock,server=on,wait=on" emulate "$at.elf" "$(shift_of flight)" >>"$at.log" 2>&1
        note $? "$name: the board" "$at.log"
        wait $listener
        note $? "$name: live over a socket" "$at.log"
    fi
    SERIAL="file:$at.tlm" emulate "$at.elf" "$(shift_of flight)" >>"$at.log" 2>&1
    cmp "$at.tlm" "$at.sent" >>"$at.log" 2>&1
    note $? "$name: other bytes than a PC's" "$at.log"
    for seed in 1 2 3 4 5 6 7 8; do
        "$out/listen" "$at.tlm" $seed "$at.sent" >>"$at.log" 2>&1
        note $? "$name: spoiled on the way, seed $seed" "$at.log"
    done
}

if [ "$scale" = 1 ]; then flights="m4"; seconds=2; else flights="m4 stm32f4"; seconds=10; fi
sh tests/deps.sh source
if ${CC:-cc} -std=c99 -O1 -I. -I"$BUILD/dep" tests/mcu/listen.c "$BUILD/dep/lz4.c" -o "$out/listen" >"$out/listen.log" 2>&1; then
    for b in $flights; do
        uart "$b" -DSECONDS=$seconds
        [ "$scale" = 1 ] || uart "$b" -DSECONDS=$seconds -DCODING=3
    done
else
    note 1 listen "$out/listen.log"
fi
for source in $(grep -l '^int main' tests/mcu/*.c); do
    case $source in */listen.c | */flight.c) continue ;; esac
    p=$(basename "$source" .c)
    for b in $boards; do
        case " $(mark BOARDS "$p") " in *" $b "*) ;; *) continue ;; esac
        good "$b" "$p"
        case " $broken " in *" $b "*) for n in $(defects "$p"); do bad "$b" "$p" "$n"; done ;; esac
    done
done
finish
