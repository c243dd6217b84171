#!/bin/sh
# Programs for emulated Cortex-M boards (QEMU): built, linked against the unmodified headers, run.
#   sh tests/mcu.sh           what `make test` takes: a slice of it in half a minute
#   sh tests/mcu.sh full      every program on every board (make mcu); full PART [board..]: examples, lines, boxes, programs, links
#   sh tests/mcu.sh run BOARD PROGRAM [flags]    one, with its output
#   sh tests/mcu.sh build BOARD PROGRAM IMAGE [flags]    only that; boot BOARD IMAGE: then this
#   sh tests/mcu.sh stm32 BOARD NAME [n]         one of examples/stm32, and what the tool makes of its bytes
#   sh tests/mcu.sh one bad BOARD PROGRAM n      one step of the full run: good, bad, blackbox, uart
# A program is tests/mcu/*.c with a main(). Its first lines say what it is for, and to this script:
#   n what      below "BREAK=n": a defect that it has to find: built with -DBREAK=n it must fail
#   BOARDS: ..  on which it runs       SHIFT: n   an instruction takes 2^n ns (5)
set -u
BUILD=${BUILD:-build} BIN=${BIN:-${BUILD:-build}/bin-test}
out=$BUILD/mcu
passed=0 failed=0
mkdir -p "$out"
. tests/strict.sh

skipped=0
finish() { echo "$passed passed, $failed failed, ${1:-$skipped} skipped"; [ $failed = 0 ]; exit; }
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

# lz4.c of the board's compiler, for images that have -Ilz4: the state is 2^10 bytes, no libc.
lz4_object() {
    o=$out/lz4-$machine.o
    [ "$o" -nt "$BUILD/dep/lz4.c" ] || arm-none-eabi-gcc -mthumb $flags -Os -ffunction-sections -DLZ4_FREESTANDING=1 -DLZ4_MEMORY_USAGE=10 \
        -DLZ4_memcpy=__builtin_memcpy -DLZ4_memmove=__builtin_memmove -DLZ4_memset=__builtin_memset \
        -c "$BUILD/dep/lz4.c" -o "$o" || return
    echo "$o"
}
has_lz4() { [ -f "$BUILD/dep/lz4.c" ]; }

changed=
# compile output board program flags...
compile() {
    elf=$1 source=tests/mcu/$3.c
    board "$2"; shift 3
    case "$source $*" in *lz4.c* | *-DBLOCK*) set -- "$@" "$(lz4_object)" ;; esac
    # The slice takes telem_file.h private: the compiler then drops what is not used, in a third of the time.
    case ${scale:-4}-$source in 1-*/flight.c | 1-*/small_file.c | 1-*/blackbox.c | 1-*/lz4.c | 1-*/port.c) set -- "$@" -DTELEM_STATIC ;; esac
    arm-none-eabi-gcc -std=c99 -mthumb $flags -DBOARD=$number -DBREAK=0 -Os -g $STRICT -Wno-pedantic \
        -ffunction-sections -fdata-sections $changed -I. -Itests/mcu -I"$BUILD/dep" "$@" tests/mcu/startup.c "$source" \
        -nostartfiles --specs=nosys.specs -Wl,--gc-sections,-Map="$elf.map" -T tests/mcu/mcu.ld $map \
        -o "$elf"
}
emulate() { # image shift: prints what it says, answers its status
    timeout -k 2 "${MCU_TIMEOUT:-$((scale * 60))}" qemu-system-arm -M "$machine" -icount shift="$2" -nographic -monitor none \
        -serial "${SERIAL:-none}" -semihosting-config "enable=on,target=native${WORDS:+,arg=$WORDS}" -kernel "$1" </dev/null 2>&1
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

# name sed: what is compiled next takes telem_ring.h with that change
change() {
    mkdir -p "$out/$1" && sed "$2" telem_ring.h >"$out/$1/telem_ring.h" && changed="-I$out/$1 -w"
    ! cmp -s telem_ring.h "$out/$1/telem_ring.h" || { note 1 "$1: nothing to change"; changed=; return 1; }
}
# board program: it must pass
good() {
    name=$1-$2; log=$out/$name.log
    { compile "$out/$name.elf" "$@" -DSCALE=$scale && emulate "$out/$name.elf" "$(shift_of "$2")"; } >"$log" 2>&1
    note $? "$name" "$log"
}
# board program defect: it must build, run and fail with status 1 (not crash; not hang, but where its line says so)
bad() {
    name=$1-$2-break$3; log=$out/$name.log
    case $2$3 in small_ring5) change "$name" 's/^    telem_i_pair_put(to, stream << 16 | len, time);/TELEM_STORE32_RELAXED(\&r->at, next); TELEM_I_SMALL_ORDER(); &/' || return ;; esac
    compile "$out/$name.elf" "$1" "$2" -UBREAK -DBREAK="$3" -DSCALE=$scale >"$log" 2>&1 ||
        { note 1 "$name does not build" "$log"; changed=; return; }
    changed=
    hangs=$(sed -n "s/^ *$3 .*(hangs)$/124/p" "tests/mcu/$2.c")
    limit=${MCU_TIMEOUT:-}
    [ -z "$hangs" ] || limit=60
    MCU_TIMEOUT=$limit emulate "$out/$name.elf" "$(shift_of "$2")" >>"$log" 2>&1
    status=$?
    [ $status = 1 ] || [ $status = "${hangs:-1}" ]
    note $? "$name: the seeded defect is not found" "$log"
}

# output board example flags...: one of examples/stm32, with the emulated board behind its port.h
example() {
    o=$1 b=$2 e=$3; shift 3
    case $b in m33) hz=20000000 ;; stm32f4) hz=168000000 ;; m0) hz=16000000 ;; *) hz=25000000 ;; esac
    compile "$o" "$b" port "$@" -DPORT_HZ=${hz}u -DPORT_BITS=24u -Iexamples/stm32 "examples/stm32/$e.c"
}

host() { # output program flags...: for this machine
    o=$1 p=$2; shift 2
    ${CC:-cc} -std=c99 -O0 -DHOST -DTELEM_STATIC -DTELEM_NO_POSIX -I. -I"$BUILD/dep" "$@" "tests/mcu/$p.c" -o "$o"
}

# The black box: a PC finds in what came over the UART every record of every life, or its account.
blackbox() { # board defect (0: none; it must be found by the board, or by the PC)
    name=$1-blackbox$2 at=$out/$1-blackbox$2 changed= how=
    case $2 in
    2) how='s/if (!telem_i_image_plan(m) ||/if (/' ;;
    3) how='/^static int telem_i_image_agrees/,/^}/s/what != TELEM_I_IMAGE_RECORD) return what/1) return TELEM_I_IMAGE_RECORD/' ;;
    4) how='/TELEM_I_POS_SET_RELEASE(&w->lane->floor, w->floor);/d' ;;
    esac
    [ -z "$how" ] || change "$name" "$how" || return
    compile "$at.elf" "$1" blackbox -UBREAK -DBREAK="$2" -DSCALE=$scale >"$at.log" 2>&1 || { note 1 "$name does not build" "$at.log"; return; }
    changed=
    rm -f "$at.tlm"
    SERIAL="file:$at.tlm" emulate "$at.elf" "$(shift_of blackbox)" >>"$at.log" 2>&1
    status=$?
    [ $status != 0 ] || { "$out/blackbox" "$at.tlm" >>"$at.log" 2>&1; status=$?; }
    if [ "$2" = 0 ]; then note $status "$name" "$at.log"
    else
        [ $status = 1 ]
        note $? "$name: the seeded defect is not found" "$at.log"
    fi
}

links() { # boards: what is linked; sizes.sh says what must not be
    sh tests/mcu/sizes.sh check "$@" >"$out/links.log" 2>&1
    note $? "what the images link" "$out/links.log"
}

# The options for less flash change no byte of what uart() got.
small() { # board coding options...
    b=$1 c=$2 at=$out/$1-small$2; shift 2
    compile "$at.elf" "$b" flight -DSECONDS=10 -DCODING=$c -DTELEM_FILE_NO_INDEX -DTELEM_FILE_TRUST_SCHEMAS -DTELEM_NO_TEXT "$@" >"$at.log" 2>&1 &&
        SERIAL="file:$at.tlm" emulate "$at.elf" "$(shift_of flight)" >>"$at.log" 2>&1
    note $? "$b: flight with less flash, coding $c" "$at.log"
    cmp "$at.tlm" "$out/$b-flight-DSECONDS10-DCODING$c.sent" >>"$at.log" 2>&1
    note $? "$b: other bytes with less flash, coding $c" "$at.log"
}

# board flags: the flight over the UART is the one of a PC, byte for byte; read live, and spoiled on the way
uart() {
    b=$1; shift; name=$b-flight$(echo "$*" | tr -d ' ='); at=$out/$name
    host "$at.host" flight "$@" $(case $* in *BLOCK*) echo "-DLZ4_MEMORY_USAGE=10 $BUILD/dep/lz4.c" ;; esac) >"$at.log" 2>&1 &&
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
    for seed in 1 2 3 $([ $scale = 1 ] || echo 4 5 6 7 8); do
        "$out/listen" "$at.tlm" $seed "$at.sent" >>"$at.log" 2>&1
        note $? "$name: spoiled on the way, seed $seed" "$at.log"
    done
}

# The small writer's bytes are those of the general one on a PC; what it is given of schemas is what is printed now.
small_file() { # board coding
    at=$out/$1-small_file$2
    rm -f "$at.tlm"
    host "$at.host" small_file -DCODING="$2" >"$at.log" 2>&1 && "$at.host" >"$at.sent" &&
        compile "$at.elf" "$1" small_file -DCODING="$2" >>"$at.log" 2>&1 &&
        SERIAL="file:$at.tlm" emulate "$at.elf" 5 >>"$at.log" 2>&1
    note $? "$1-small_file, coding $2" "$at.log"
    cmp "$at.tlm" "$at.sent" >>"$at.log" 2>&1
    note $? "$1-small_file, coding $2: other bytes than the general writer's" "$at.log"
}
encoded() {
    host "$out/encoded" small_file -DPRINT >"$out/encoded.log" 2>&1 && "$out/encoded" >"$out/encoded.h" &&
        cmp "$out/encoded.h" tests/mcu/encoded.h >>"$out/encoded.log" 2>&1
    note $? "tests/mcu/encoded.h" "$out/encoded.log"
    # what examples/stm32/encode.c prints compiles for a board, where its check of the struct holds
    board m4
    { ${CC:-cc} -O0 -DTELEM_STATIC -I. -I"$BUILD/dep" examples/stm32/encode.c -o "$out/encode" && "$out/encode" >"$out/node_encoded.h" &&
        printf '#include "telem_file.h"\n#include "records.h"\n#include "node_encoded.h"\nconst void *const used[] = {&node, node_clock};\n' >"$out/node.c" &&
        arm-none-eabi-gcc -std=c99 -mthumb $flags -Os $STRICT -I. -Iexamples/stm32 -I"$out" -c "$out/node.c" -o "$out/node.o"; } >"$out/encode.log" 2>&1
    note $? "examples/stm32/encode.c" "$out/encode.log"
}

# ---- examples/stm32: what they record is read by the tool

tool() { # how the tool is had: what make examples built, or built now
    telem=$BIN/telem
    [ -x "$telem" ] || ${MAKE:-make} -s --no-print-directory "$telem" >"$out/tool.log" 2>&1
    [ -x "$telem" ] || { note 1 "examples/telem.c" "$out/tool.log"; return 1; }
}
csv() { "$telem" cat -f csv "$@" 2>/dev/null | tr -d '\r' | tail -n +2; }

# 16 values of each conversion, numbered; the line stands still for a while: rows and reported losses are all there is
check_uart_dma() { # file
    lost=$("$telem" info "$1" 2>/dev/null | sed -n 's/.*lost \([0-9,]*\) records of Adc.*/\1/p' | tr -d ,)
    csv -s Adc -F 'v[0],v[15]' "$1" | awk -F , -v lost="${lost:-0}" '
        NR == 1 { next_v = $2; if ($2 > 64 * 16) bad = 1 }
        { if ($3 != $2 + 15 || $2 < next_v) bad = 1
          gap += ($2 - next_v) / 16; next_v = $2 + 16 }
        END { print NR " conversions, " gap " missing, " lost " told"; exit bad || NR < 150 || lost < 50 || gap != lost }'
}
# two sessions, the first cut inside a sector: n counts from 0 in both
check_sd_card() { # file
    csv -s Imu -F n "$1" | awk -F , '
        $2 == 0 { sessions++; n = 0 }
        $2 != n++ { bad = 1 }
        sessions == 1 { first = n } { all = NR }
        END { print sessions " sessions, " first " and " all - first " rows"; exit bad || sessions != 2 || first < 1999 || all - first < 1300 }'
}
# in each session the records up to the fault, which knows how many they were, and the fault
check_blackbox() { # file image
    "$telem" cat -f ndjson "$1" 2>/dev/null | tr -d '{}"' | awk -F '[:,]' -v range="$(arm-none-eabi-nm -S "$2" | awk '$4 == "port_wait" { print $1, $2 }')" '
        function hex(s,  i, v) { for (i = 1; i <= length(s); i++) v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1; return v }
        BEGIN { split(range, r, " "); from = hex(r[1]); to = from + hex(r[2]) }
        $2 == "Imu" { if (rows++ && $8 != n + 1) bad = 1; n = $8 }
        $2 == "Fault" { faults++; if ($14 != n + 1 || rows < 100 || $8 < from - 1 || $8 >= to) bad = 1; all += rows; rows = 0 }
        END { print faults " faults, " all " records before them"; exit bad || faults != 2 || rows != 0 }'
}

# board example defect (0: none)
stm32() {
    name=$1-stm32-$2 at=$out/$1-stm32-$2-$3
    [ "$3" = 0 ] || name=$name-break$3
    example "$at.elf" "$1" "$2" -UBREAK -DBREAK="$3" >"$at.log" 2>&1 || { note 1 "$name does not build" "$at.log"; return; }
    rm -f "$at.tlm" "$at.card"
    case $2 in
    uart_dma) WORDS="ms=300 hold=50-200" SERIAL="file:$at.tlm" emulate "$at.elf" 5 ;;
    blackbox) WORDS="ms=300 faults=2" SERIAL="file:$at.tlm" emulate "$at.elf" 5 ;;
    sd_card)
        : >"$at.card"
        WORDS="ms=9000 cut=17 card=$at.card" emulate "$at.elf" 5 &&
            WORDS="ms=1400 card=$at.card" emulate "$at.elf" 5 &&
            tail -c +1048577 "$at.card" >"$at.tlm" ;;
    esac >>"$at.log" 2>&1 && "check_$2" "$at.tlm" "$at.elf" >>"$at.log" 2>&1
    status=$?
    if [ "$3" = 0 ]; then note $status "$name" "$at.log"
    else
        [ $status != 0 ]
        note $? "$name: the seeded defect is not found" "$at.log"
    fi
}

scale=1
case ${1:-slice} in
run)
    b=$2 p=$3; shift 3
    compile "$out/run.elf" "$b" "$p" -DSCALE=${SCALE:-1} "$@" && emulate "$out/run.elf" "$(shift_of "$p")"
    echo "status $?"; exit ;;
boot) board "$2"; emulate "$3" 5; exit ;;
build)
    b=$2 p=$3 elf=$4; shift 4
    compile "$elf" "$b" "$p" "$@"; exit ;;
stm32) # BOARD EXAMPLE [defect]
    tool && stm32 "$2" "$3" "${4:-0}" && cat "$at.log"; finish ;;
one) scale=${SCALE:-1} ;;
slice | full) [ "${1:-slice}" = slice ] || scale=4 ;;
*) echo "mcu.sh: what is $1?" >&2; exit 2 ;;
esac

sh tests/deps.sh source
${CC:-cc} -std=c99 -O0 -DTELEM_STATIC -DTELEM_FILE_NO_COLUMNS -I. tests/mcu/listen.c -llz4 -o "$out/listen" >"$out/listen.log" 2>&1
note $? listen "$out/listen.log"
host "$out/blackbox" blackbox >"$out/blackbox.log" 2>&1
note $? "blackbox on the PC" "$out/blackbox.log"

if [ "${1:-}" = one ]; then shift; "$@"; cat "$out/$2-$1$3.log" 2>/dev/null; finish; fi
without_lz4() { echo "SKIPPED LZ4 on the boards: no lz4.c (sh tests/deps.sh source)"; skipped=$((skipped + 1)); }
if [ $scale = 1 ]; then # in two halves at once
    serial() {
        if has_lz4; then uart m4 -DSECONDS=2 -DBLOCK=1024; else
            without_lz4
            uart m4 -DSECONDS=2
        fi
        blackbox stm32f4 0
        small_file m4 3
        good m0 isr_ring
        bad m4 isr_ring 2
        finish
    }
    (passed=0 failed=0 serial) >"$out/serial.log" 2>&1 &
    good m4 sweep_ring
    good m4 small_ring
    links m4
    tool && stm32 m4 uart_dma 0
    wait $!
    sed '$d' "$out/serial.log"
    set -- $(tail -n 1 "$out/serial.log" | tr -cd '0-9 ')
    [ $# = 3 ] || set -- 0 1 0
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    finish
fi
# ---- The full run, in parts
examples() {
    tool || return
    for b in m3 m4 m7 m33 stm32f4; do
        for e in uart_dma sd_card blackbox; do stm32 $b $e 0; done
    done
    for e in uart_dma sd_card blackbox; do stm32 m4 $e 1; done
    stm32 m4 uart_dma 2
}
lines() {
    encoded
    for b in ${*:-m0 m3 m4 stm32f4}; do
        small_file "$b" 1
        small_file "$b" 3
        case $b in m4 | stm32f4) ;; *) continue ;; esac
        uart "$b" -DSECONDS=10 -DCODING=1
        uart "$b" -DSECONDS=10 -DCODING=3
        small "$b" 1 -DTELEM_FILE_NO_MINI
        small "$b" 3 -DTELEM_FILE_NO_ROWS
        has_lz4 || continue
        for block in 256 1024 4096; do uart "$b" -DSECONDS=10 -DBLOCK=$block; done
        uart "$b" -DSECONDS=10 -DCODING=3 -DBLOCK=512
    done
    has_lz4 || without_lz4
}
boxes() {
    for b in ${*:-$boards}; do
        blackbox "$b" 0
        case $b in m0 | m3 | m4) for n in $(defects blackbox); do blackbox "$b" "$n"; done ;; esac
    done
}
programs() {
    for source in $(grep -l '^ *BOARDS:\|BOARDS: .*\*/' tests/mcu/*.c); do
        p=$(basename "$source" .c)
        [ "$p" != lz4 ] || has_lz4 || continue
        for b in ${*:-$boards}; do
            case " $(mark BOARDS "$p") " in *" $b "*) ;; *) continue ;; esac
            good "$b" "$p"
            case $b in m0 | m3 | m4) for n in $(defects "$p"); do bad "$b" "$p" "$n"; done ;; esac
        done
    done
}
[ $# -gt 0 ] && shift
case ${1:-all} in
all)
    examples; lines; boxes; programs
    links m0 m3 m4 m7 m33 ;;
links) links m0 m3 m4 m7 m33 ;;
examples | lines | boxes | programs) "$@" ;;
*) echo "mcu.sh: what part is $1?" >&2; exit 2 ;;
esac
finish
