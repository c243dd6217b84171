#!/bin/sh
# Programs for emulated Cortex-M boards (QEMU): built, linked against the unmodified headers, run.
#   sh tests/mcu.sh           what `make test` takes: a slice of it in half a minute
#   sh tests/mcu.sh full      every program on every board, and every seeded defect (make mcu); ends with a table of
#                             what was found where. full PART..: lines, programs, boxes, examples, tests, all_links;
#                             seeded: the defects alone, each on the M4 (make mutants)
#   sh tests/mcu.sh run BOARD PROGRAM [flags]    one, with its output
#   sh tests/mcu.sh build BOARD PROGRAM IMAGE [flags]    only that; boot BOARD IMAGE: then this
#   sh tests/mcu.sh step bad BOARD PROGRAM n     one step of the full run, as its plan names it (good, blackbox, uart ..)
# JOBS=n steps at a time (2). BOARDS="m4 m0": only these.
# A program is tests/mcu/*.c with a main(). Its first lines say what it is for, and to this script:
#   n what      below "BREAK=n": a defect that it has to find: built with -DBREAK=n it must fail
#   BOARDS: ..  on which it runs       SHIFT: n   an instruction takes 2^n ns (5)
set -u
export BUILD=${BUILD:-build} BIN=${BIN:-${BUILD:-build}/bin-test}
out=$BUILD/mcu results=$BUILD/mcu/results
mkdir -p "$out"
. tests/strict.sh

need() { command -v "$1" >/dev/null 2>&1 || { echo "SKIPPED mcu (install package $2)"; echo "0 passed, 0 failed, 1 skipped"; exit; }; }
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
boards=${BOARDS:-m0 m3 m4 m7 m33 stm32f4}
broken=                  # the boards on which defects are seeded: a core without LDREX, two with
for b in m0 m3 m4; do case " $boards " in *" $b "*) broken="$broken $b" ;; esac; done

# lz4.c of the board's compiler, for images that have -Ilz4: the state is 2^10 bytes, no libc.
lz4_object() {
    o=$out/lz4-$machine.o
    if ! [ "$o" -nt "$BUILD/dep/lz4.c" ]; then
        arm-none-eabi-gcc -mthumb $flags -Os -ffunction-sections -DLZ4_FREESTANDING=1 -DLZ4_MEMORY_USAGE=10 \
            -DLZ4_memcpy=__builtin_memcpy -DLZ4_memmove=__builtin_memmove -DLZ4_memset=__builtin_memset \
            -c "$BUILD/dep/lz4.c" -o "$o.$$" && mv "$o.$$" "$o" || return
    fi
    echo "$o"
}
has_lz4() { [ -f "$BUILD/dep/lz4.c" ]; }

scale=${SCALE:-4} changed= limit=
private=-DTELEM_STATIC # what is not used is dropped by the compiler, in half of the time; in full also by the linker
# compile output board program flags...
compile() {
    elf=$1 source=tests/mcu/$3.c
    board "$2"; shift 3
    case "$source $*" in *lz4.c* | *-DBLOCK*) set -- "$@" "$(lz4_object)" ;; esac
    arm-none-eabi-gcc -std=c99 -mthumb $flags -DBOARD=$number -DBREAK=0 -Os -g $STRICT -Wno-pedantic \
        -ffunction-sections -fdata-sections $changed $private -I. -Itests/mcu -I"$BUILD/dep" "$@" tests/mcu/startup.c "$source" \
        -nostartfiles --specs=nosys.specs -Wl,--gc-sections,-Map="$elf.map" -T tests/mcu/mcu.ld $map \
        -o "$elf"
}
emulate() { # image shift: prints what it says, answers its status. No shift: as fast as it can
    timeout -k 2 "${limit:-$((scale * 150 - 90))}" qemu-system-arm -M "$machine" ${2:+-icount shift="$2"} -nographic -monitor none \
        -serial "${SERIAL:-none}" -semihosting-config "enable=on,target=native${WORDS:+,arg=$WORDS}" -kernel "$1" </dev/null 2>&1
}

mark() { sed -n "s/.*$1: *\([a-z0-9 ]*\).*/\1/p" "tests/mcu/$2.c" | head -n 1; } # word program
defects() { sed -n '/BREAK=n/,/\*\//s/^ *\([0-9]\) .*/\1/p' "$1"; } # source
defect_of() { sed -n "/BREAK=n/,/\*\//s/^ *\($2 .*[^ ]\) *\$/\1/p" "$1" | sed 's/ *\*\/$//' | head -n 1; } # source number: in words
shift_of() { s=$(mark SHIFT "$1"); echo "${s:-5}" | tr -d ' '; }

# ---- What is told of each check: a line of the table

start=$(date +%s)
# word test variant board log: a line of `results`; what is not as it should be is shown
report() {
    echo "$2|$3|$4|$1" >>"$results"
    now=$(date +%s)
    case $1 in ok | found) [ -z "${PROGRESS:-}" ] || printf '%-9s %-8s %-13s %s (%d s)\n' "$1" "$4" "$2" "$3" $((now - start)) ;;
    *)
        echo "$1 $4 $2: $3"
        [ ! -f "${5:-}" ] || tail -n 15 "$5" ;;
    esac
    start=$now
}
note() { [ "$1" = 0 ] && set -- ok "$2" "$3" "$4" "$5" || set -- FAIL "$2" "$3" "$4" "$5"; report "$@"; } # status test variant board log
seek() { [ "$1" = 0 ] && set -- found "$2" "$3" "$4" "$5" || set -- "NOT FOUND" "$2" "$3" "$4" "$5"; report "$@"; }
skip() { report skipped "$1" "$2" "$3"; } # test variant board

# name header sed: what is compiled next takes the header with that change
change() {
    mkdir -p "$out/$1" && sed "$3" "$2" >"$out/$1/$2" && changed="-I$out/$1 -w"
    ! cmp -s "$2" "$out/$1/$2" || { echo "$1: nothing to change in $2"; return 1; }
}

# ---- Programs

# board program: it must pass
good() {
    at=$out/$1-$2
    [ $scale = 1 ] || private=
    { compile "$at.elf" "$@" -DSCALE=$scale && emulate "$at.elf" "$(shift_of "$2")"; } >"$at.log" 2>&1
    note $? "$2" "(as it is)" "$1" "$at.log"
}
# board program defect: it must build, run and fail with status 1 (not crash; not hang, but where its line says so)
bad() {
    name=$1-$2-break$3 at=$out/$1-$2-break$3 words=$(defect_of "tests/mcu/$2.c" "$3") status=0
    [ $2 != small_ring ] || scale=4 # it is short, and its slice does not see all of them
    case $2$3 in
    small_ring5) change "$name" telem_ring.h 's/^    telem_i_pair_put(to, stream << 16 | len, time);/TELEM_STORE32_RELAXED(\&r->at, next); TELEM_I_SMALL_ORDER(); &/' ;;
    sweep_ring5) change "$name" telem_ring.h '/^    telem_i_cells_put_any(telem_i_lane_put_head(/{N;s/\(.*\)(\(telem_i_lane_put_head(.*)\), data, len);\n\(.*\)/{ telem_i_ring_cell *to = \2;\n\3\n\1(to, data, len); }/;}
        /^    telem_i_ring_put(w->data, w->mask, at, data, len);$/{N;s/\(.*\)\n\(.*\)/\2\n\1/;}' ;;
    esac >"$at.log" || status=9
    [ $status != 0 ] || compile "$at.elf" "$1" "$2" -UBREAK -DBREAK="$3" -DSCALE=$scale >"$at.log" 2>&1 || status=9
    case $words in *"(hangs)"*) limit=60 ;; esac
    [ $status != 0 ] || emulate "$at.elf" "$(shift_of "$2")" >>"$at.log" 2>&1 || status=$?
    [ $status = 1 ] || [ $status-$limit = 124-60 ]
    seek $? "$2" "$words" "$1" "$at.log"
}

# output board example flags...: one of examples/stm32, with the emulated board behind its port.h
example() {
    o=$1 b=$2 e=$3; shift 3
    case $b in m33) hz=20000000 ;; stm32f4) hz=168000000 ;; m0) hz=16000000 ;; *) hz=25000000 ;; esac
    ticks="-DPORT_HZ=${hz}u -DPORT_BITS=24u"
    if [ $e = small_node ]; then
        mkdir -p "$o.encoded" && ${CC:-cc} -O0 -DTELEM_STATIC $ticks -I. -I"$BUILD/dep" examples/stm32/encode.c -o "$o.encode" &&
            "$o.encode" >"$o.encoded/node_encoded.h" || return
        set -- "$@" "-I$o.encoded"
    fi
    compile "$o" "$b" port "$@" $ticks -Iexamples/stm32 "examples/stm32/$e.c"
}

# for this machine, once: output program flags..
host() {
    o=$1 p=$2; shift 2
    [ -z "$(find ./*.h tests/mcu examples/quad.h -newer "$o" 2>&1 | head -n 1)" ] ||
        { ${CC:-cc} -std=c99 -O0 -DHOST -DTELEM_STATIC $changed -I. -I"$BUILD/dep" "$@" "tests/mcu/$p.c" -llz4 -o "$o.$$" && mv "$o.$$" "$o"; }
}
listener() { host "$out/listen" listen -DTELEM_FILE_NO_COLUMNS; }

# board program: a test of tests/*.c as PCs have it, short
host_test() {
    at=$out/$1-$2 board=$1
    board "$1"
    { arm-none-eabi-gcc -std=c99 -mthumb $flags -DBOARD=$number -O1 -g -w -include tests/mcu/hosted.h -ffunction-sections -fdata-sections \
        -I. -Itests -Itests/mcu -I"$BUILD/dep" tests/mcu/startup.c "tests/$2.c" -nostartfiles --specs=rdimon.specs \
        -Wl,--gc-sections -T tests/mcu/mcu.ld $map -o "$at.elf" && emulate "$at.elf" ""; } >"$at.log" 2>&1
    note $? "$2" "(as on a PC, short)" "$board" "$at.log"
}

# The black box: a PC finds in what came over the UART every record of every life, or its account.
blackbox() { # board defect (0: none; it must be found by the board, or by the PC)
    name=$1-blackbox$2 at=$out/$1-blackbox$2 how= status=0
    case $2 in
    2) how='s/if (!telem_i_image_plan(m) ||/if (/' ;;
    3) how='/^static int telem_i_image_agrees/,/^}/s/what != TELEM_I_IMAGE_RECORD) return what/1) return TELEM_I_IMAGE_RECORD/' ;;
    4) how='/TELEM_I_POS_SET_RELEASE(&w->lane->floor, w->floor);/d' ;;
    esac
    host "$out/blackbox" blackbox -DTELEM_NO_POSIX >"$at.log" 2>&1 || status=9
    [ $status != 0 ] || [ -z "$how" ] || change "$name" telem_ring.h "$how" >>"$at.log" || status=9
    [ $status != 0 ] || compile "$at.elf" "$1" blackbox -UBREAK -DBREAK="$2" -DSCALE=$scale >>"$at.log" 2>&1 || status=9
    rm -f "$at.tlm"
    [ $status != 0 ] || SERIAL="file:$at.tlm" emulate "$at.elf" "$(shift_of blackbox)" >>"$at.log" 2>&1 || status=$?
    [ $status != 0 ] || "$out/blackbox" "$at.tlm" >>"$at.log" 2>&1 || status=$?
    if [ "$2" = 0 ]; then note $status blackbox "(as it is)" "$1" "$at.log"; return; fi
    [ $status = 1 ]
    seek $? blackbox "$(defect_of tests/mcu/blackbox.c "$2")" "$1" "$at.log"
}

links() { # board: what is linked; sizes.sh says what must not be, and seeds it
    sh tests/mcu/sizes.sh check "$@" >"$out/links-$1.log" 2>&1
    note $? links "(no heap, printf, recursion, doubles ..)" "$1" "$out/links-$1.log"
}
links_find() { # board
    for n in $(defects tests/mcu/size.c); do
        sh tests/mcu/sizes.sh find "$1" "$n" >"$out/links-$1-$n.log" 2>&1
        seek $? links "$(defect_of tests/mcu/size.c "$n")" "$1" "$out/links-$1-$n.log"
    done
}

# ---- Lines: what comes over the UART is what a PC would have made

# The options for less flash change no byte of what uart() got.
small() { # board coding options...
    b=$1 c=$2 at=$out/$1-small$2; shift 2
    listener >"$at.log" 2>&1
    host "$at.host" flight -DTELEM_NO_POSIX -DSECONDS=10 -DCODING=$c >>"$at.log" 2>&1 && "$at.host" >"$at.sent" &&
        compile "$at.elf" "$b" flight -DSECONDS=10 -DCODING=$c -DTELEM_FILE_NO_INDEX -DTELEM_FILE_TRUST_SCHEMAS -DTELEM_NO_TEXT "$@" >>"$at.log" 2>&1 &&
        SERIAL="file:$at.tlm" emulate "$at.elf" "$(shift_of flight)" >>"$at.log" 2>&1 && cmp "$at.tlm" "$at.sent" >>"$at.log" 2>&1
    note $? flight "(coding $c with less flash: the same bytes)" "$b" "$at.log"
}

flight_of() { # name flags...: what a PC makes of the flight, and the board's image
    at=$out/$1 b=${1%%-*}; shift
    { listener &&
        host "$at.host" flight -DTELEM_NO_POSIX "$@" $(case $* in *BLOCK*) echo "-DLZ4_MEMORY_USAGE=10 $BUILD/dep/lz4.c" ;; esac) &&
        "$at.host" >"$at.sent" && compile "$at.elf" "$b" flight "$@"; } >"$at.log" 2>&1
}
# board flags: the flight over the UART is the one of a PC, byte for byte; read live, joined late, and spoiled on the way
uart() {
    b=$1 what="rows"; shift; name=$b-flight$(echo "$*" | tr -d ' =')
    case $* in *CODING=3*) what="mini" ;; esac
    case $* in *BLOCK*) what="$what, LZ4 $(echo "$*" | sed 's/.*BLOCK=//')" ;; esac
    flight_of "$name" "$@" || { note 1 flight "($what)" "$b" "$at.log"; return; }
    rm -f "$at.sock" "$at.tlm"
    if [ "$scale" != 1 ]; then
        "$out/listen" "unix:$at.sock" 0 "$at.sent" >>"$at.log" 2>&1 & listening=$!
        SERIAL="unix:$at.sock,server=on,wait=on" emulate "$at.elf" "$(shift_of flight)" >>"$at.log" 2>&1
        status=$?
        wait $listening && [ $status = 0 ]
        note $? flight "($what: read live over a unix socket)" "$b" "$at.log"
    fi
    SERIAL="file:$at.tlm" emulate "$at.elf" "$(shift_of flight)" >>"$at.log" 2>&1 && cmp "$at.tlm" "$at.sent" >>"$at.log" 2>&1
    note $? flight "($what: a file with the bytes of a PC)" "$b" "$at.log"
    status=0 seeds="1 2 3" joins="3000 12345"
    [ $scale = 1 ] || { seeds=$(seq 1 30); joins=$(seq 500 977 30000); }
    for seed in $seeds; do "$out/listen" "$at.tlm" $seed "$at.sent" >>"$at.log" 2>&1 || { status=1; echo "seed $seed" >>"$at.log"; }; done
    note $status flight "($what: bytes dropped, doubled, flipped)" "$b" "$at.log"
    status=0
    for join in $joins; do "$out/listen" "$at.tlm" 0 "$at.sent" $join >>"$at.log" 2>&1 || { status=1; echo "join $join" >>"$at.log"; }; done
    note $status flight "($what: joined in the middle)" "$b" "$at.log"
}
uart_finds() { # board defect
    words=$(defect_of tests/mcu/flight.c "$2")
    flight_of "$1-flight-break$2" -DSECONDS=10 -UBREAK -DBREAK="$2" && SERIAL="file:$at.tlm" emulate "$at.elf" "$(shift_of flight)" >>"$at.log" 2>&1 ||
        { seek 1 flight "$words" "$1" "$at.log"; return; }
    case $2 in
    1) "$out/listen" "$at.tlm" 0 "$at.sent" ;;
    2) "$out/listen" "$at.tlm" 0 "$at.sent" 20000 ;;
    3) host "$at.listen" listen -DTELEM_FILE_NO_COLUMNS -DBREAK=3 && "$at.listen" "$at.tlm" 2 "$at.sent" ;;
    4)
        change "$1-flight-break4" telem_file.h 's/ != telem_i_file_payload_hash(&r->framing, p + h->size, (size_t)h->len, h->check))/ == 1)/' &&
            host "$at.listen" listen -DTELEM_FILE_NO_COLUMNS && "$at.listen" "$at.tlm" 2 "$at.sent" ;;
    esac >>"$at.log" 2>&1
    [ $? = 1 ]
    seek $? flight "$words" "$1" "$at.log"
}

# The small writer's bytes are those of the general one on a PC; what it is given of schemas is what is printed now.
small_file() { # board coding [defect]
    at=$out/$1-small_file$2-${3:-0} status=0
    rm -f "$at.tlm"
    host "$at.host" small_file -DTELEM_NO_POSIX -DCODING="$2" >"$at.log" 2>&1 && "$at.host" >"$at.sent" &&
        compile "$at.elf" "$1" small_file -DCODING="$2" ${3:+-UBREAK -DBREAK="$3"} >>"$at.log" 2>&1 &&
        SERIAL="file:$at.tlm" emulate "$at.elf" 5 >>"$at.log" 2>&1 || status=9
    [ $status != 0 ] || cmp "$at.tlm" "$at.sent" >>"$at.log" 2>&1 || status=1
    if [ -z "${3:-}" ]; then note $status small_file "(coding $2: the bytes of the general writer)" "$1" "$at.log"; return; fi
    [ $status = 1 ]
    seek $? small_file "$(defect_of tests/mcu/small_file.c "$3")" "$1" "$at.log"
}
encoded() {
    host "$out/encoded" small_file -DTELEM_NO_POSIX -DPRINT >"$out/encoded.log" 2>&1 && "$out/encoded" >"$out/encoded.h" &&
        cmp "$out/encoded.h" tests/mcu/encoded.h >>"$out/encoded.log" 2>&1
    note $? small_file "(tests/mcu/encoded.h is what is printed)" pc "$out/encoded.log"
}

# ---- examples/stm32: what they record is read by the tool

tool() { # how the tool is had: what make examples built, or built now
    telem=$BIN/telem
    [ -x "$telem" ] || ${MAKE:-make} -s --no-print-directory "$telem" >"$out/tool.log" 2>&1
    [ -x "$telem" ] || { note 1 stm32 "(examples/telem.c)" pc "$out/tool.log"; return 1; }
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
# numbered; the line stands still for a while; the counter wraps: a poll that minds would announce again and again
check_small_node() { # file
    [ "$(wc -c <"$1")" -lt 9000 ] || { echo "too much was announced"; return 1; }
    lost=$("$telem" info "$1" 2>/dev/null | sed -n 's/.*lost \([0-9,]*\) records of Node.*/\1/p' | tr -d ,)
    csv -s Node -F n "$1" | awk -F , -v lost="${lost:-0}" '
        { if ($2 <= n) bad = 1; gap += $2 - n - 1; n = $2; if ($1 - t < 0) bad = 1; t = $1 }
        END { print NR " rows, " gap " missing, " lost " told"; exit bad || NR < 150 || lost < 50 || gap != lost }'
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
    at=$out/$1-stm32-$2-$3
    tool || return
    example "$at.elf" "$1" "$2" -UBREAK -DBREAK="$3" >"$at.log" 2>&1 || { note 1 "stm32/$2" "(does not build)" "$1" "$at.log"; return; }
    rm -f "$at.tlm" "$at.card"
    case $2 in
    uart_dma) WORDS="ms=300 hold=50-200" SERIAL="file:$at.tlm" emulate "$at.elf" 5 ;;
    small_node) WORDS="ms=1500 hold=50-200" SERIAL="file:$at.tlm" emulate "$at.elf" 5 ;;
    blackbox) WORDS="ms=300 faults=2" SERIAL="file:$at.tlm" emulate "$at.elf" 5 ;;
    sd_card)
        : >"$at.card"
        WORDS="ms=9000 cut=17 card=$at.card" emulate "$at.elf" 5 &&
            WORDS="ms=1400 card=$at.card" emulate "$at.elf" 5 &&
            tail -c +1048577 "$at.card" >"$at.tlm" ;;
    esac >>"$at.log" 2>&1 && "check_$2" "$at.tlm" "$at.elf" >>"$at.log" 2>&1
    status=$?
    if [ "$3" = 0 ]; then note $status "stm32/$2" "(as it is)" "$1" "$at.log"; return; fi
    [ $status != 0 ]
    seek $? "stm32/$2" "$(defect_of tests/mcu/port.c "$3")" "$1" "$at.log"
}

# ---- What is done: a plan, a line for each step

on() { case " $boards " in *" $1 "*) shift; echo "$*" ;; esac; } # board step...: when it is one of those asked for
examples() {
    for b in m3 m4 m7 m33 stm32f4; do
        for e in uart_dma sd_card blackbox small_node; do on $b stm32 $b $e 0; done
    done
    on m0 stm32 m0 small_node 0
    for e in uart_dma sd_card blackbox small_node; do on m4 stm32 m4 $e 1; done
    on m4 stm32 m4 uart_dma 2
}
lines() {
    echo encoded
    for b in m4 stm32f4; do
        on $b uart $b -DSECONDS=10 -DCODING=1
        on $b uart $b -DSECONDS=10 -DCODING=3
        on $b small $b 1 -DTELEM_FILE_NO_MINI
        on $b small $b 3 -DTELEM_FILE_NO_ROWS
        for n in $(defects tests/mcu/flight.c); do on $b uart_finds $b $n; done
        has_lz4 || continue
        for block in 256 1024 4096; do on $b uart $b -DSECONDS=10 -DBLOCK=$block; done
        on $b uart $b -DSECONDS=10 -DCODING=3 -DBLOCK=512
    done
    for b in m0 m3 m4 stm32f4; do
        on $b small_file $b 1
        on $b small_file $b 3
        for n in $(defects tests/mcu/small_file.c); do on $b small_file $b 1 $n; done
    done
    has_lz4 || echo skip lz4 "(no_lz4.c)" all
}
boxes() {
    for b in $boards; do echo blackbox $b 0; done
    for b in $broken; do for n in $(defects tests/mcu/blackbox.c); do echo blackbox $b $n; done; done
}
programs() {
    for source in $(grep -l '^ *BOARDS:\|BOARDS: .*\*/' tests/mcu/*.c); do
        p=$(basename "$source" .c)
        [ $p != lz4 ] || has_lz4 || continue
        for b in $(mark BOARDS $p); do
            on $b good $b $p
            case " $broken " in *" $b "*) for n in $(defects "$source"); do echo bad $b $p $n; done ;; esac
        done
    done
}
tests() { # those that need no system; test_schema_numbers compares with strtod, and newlib's is wrong below 2^-1022
    for b in m3 m4 m7 m33; do on $b host_test $b test_ring_small; done
    for t in test_ring_now test_ring_no_shared test_schema; do on m4 host_test m4 $t; done
}
all_links() {
    for b in m0 m3 m4 m7 m33; do on $b links $b; done
    for b in $broken; do echo links_find $b; done
}
everything() { for part in lines programs boxes examples tests all_links; do $part; done; }
seeded() { everything | grep -E '^(bad|uart_finds|links_find) m4|^(blackbox|small_file|stm32) m4.* [1-9]$' | grep -v '^small_file m4 [0-9]$'; }
slice() { # the longest first
    if has_lz4; then echo uart m4 -DSECONDS=2 -DBLOCK=1024; else
        echo uart m4 -DSECONDS=2
        echo skip lz4 "(no_lz4.c)" all
    fi
    echo blackbox stm32f4 0
    echo links m4
    echo stm32 m4 uart_dma 0
    echo good m4 sweep_ring
    echo bad m4 sweep_ring 1
    echo bad m3 sweep_ring 5
    echo small_file m4 3
    echo good m0 isr_ring
    echo bad m4 isr_ring 2
    echo good m4 small_ring
    echo bad m0 small_ring 2
}

# test | what | board | word  ->  a row for each what, a column for each board
table() {
    sort -t '|' -k1,1 -k2,2 "$results" | awk -F '|' '
        BEGIN { n = split("m0 m3 m4 m7 m33 stm32f4 pc", b, " "); printf "%-16s %-62s", "test", "as it is, or with a defect"; for (i = 1; i <= n; i++) printf " %-7s", b[i]; print "" }
        function flush_row() { if (last == "") return; printf "%-16s %-62.62s", name, what; for (i = 1; i <= n; i++) printf " %-7s", (b[i] in cell) ? cell[b[i]] : "-"; print "" }
        { if ($1 "|" $2 != last) { flush_row(); split("", cell); last = $1 "|" $2; name = $1; what = $2 } cell[$3] = $4 }
        END { flush_row() }'
}

case ${1:-slice} in
run)
    b=$2 p=$3 private=; shift 3
    compile "$out/run.elf" "$b" "$p" -DSCALE=${SCALE:-1} "$@" && emulate "$out/run.elf" "$(shift_of "$p")"
    echo "status $?"; exit ;;
boot) board "$2"; emulate "$3" 5; exit ;;
build)
    b=$2 p=$3 elf=$4 private=; shift 4
    compile "$elf" "$b" "$p" "$@"; exit ;;
step)
    shift
    "$@"
    echo "end $*" >>"$results"
    exit ;;
slice) export SCALE=1; plan=$(slice) ;;
full)
    export SCALE=4 PROGRESS=1
    [ "${2:-}" != seeded ] || SCALE=1
    shift
    plan=$(for part in ${*:-everything}; do
        case $part in everything | seeded | lines | programs | boxes | examples | tests | all_links) $part ;; *) echo "mcu.sh: what part is $part?" >&2; exit 2 ;; esac
    done) || exit ;;
*) echo "mcu.sh: what is $1?" >&2; exit 2 ;;
esac

sh tests/deps.sh source
begun=$(date +%s)
: >"$results"
echo "$plan" | xargs -P "${JOBS:-2}" -L 1 sh tests/mcu.sh step
missing=$(($(echo "$plan" | wc -l) - $(grep -c '^end ' "$results"))) # a step that was killed is a failure
sed -i '/^end /d' "$results"
[ -z "${PROGRESS:-}" ] || { echo; table; echo "$(($(date +%s) - begun)) s"; }
[ $missing = 0 ] || echo "FAIL $missing steps did not come to an end"
count() { grep -cE "\|($1)\$" "$results"; }
failed=$(($(count "FAIL|NOT FOUND") + missing))
echo "$(count "ok|found") passed, $failed failed, $(count skipped) skipped"
[ $failed = 0 ]
