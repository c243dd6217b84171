#!/bin/sh
# sh examples/demo.sh [FOLDER]
# Records this machine and a simulated quadrotor at the same time, reads both files back, and turns
# them into CSV and plots. Builds the three programs when they are not there. Environment:
# DEMO_SECONDS=10, BIN=build/bin (the programs' folder), CC, CFLAGS.
set -eu
cd "$(dirname "$0")/.."
out=${1:-build/demo}
bin=${BIN:-build/bin}
seconds=${DEMO_SECONDS:-10}
lost=0

# A program is built when it is absent or older than a source or a header.
build() {
    [ ! -x "$bin/$1" ] || [ -n "$(find ./*.h examples -name '*.[ch]' -newer "$bin/$1")" ] || return 0
    echo "building $bin/$1"
    mkdir -p "$bin"
    ${CC:-cc} -std=c99 ${CFLAGS:--O2} -I. -Iexamples "examples/$1.c" -o "$bin/$1" -llz4 -lpthread -lm || {
        echo "demo: cannot build $1; it needs: apt-get install gcc libc6-dev liblz4-dev libxxhash-dev" >&2
        exit 1
    }
}

# Exit code 3 of the recorders and of the tool means: done, but records were lost. The table tells
# them, and the demo goes on.
finished() { # name, its exit code
    case $2 in
    0) ;;
    3) lost=3 ;;
    *) echo "demo: $1 failed, exit code $2" >&2; exit 1 ;;
    esac
}
telem() { code=0; "$bin/telem" "$@" || code=$?; finished "telem $1" $code; }

# Both write a table on stdout. Only vitals has the progress line.
record() {
    rm -f "$out"/*.tlm "$out"/*.csv "$out"/*.svg "$out"/*.txt
    echo "recording for $seconds seconds: this machine and a quadrotor"
    "$bin/vehicle" -r -t "$seconds" -o "$out/vehicle.tlm" >"$out/vehicle.txt" 2>"$out/vehicle.log" &
    flight=$!
    trap 'kill $flight 2>/dev/null || true' EXIT # Ctrl-C in a shell without job control
    code=0; "$bin/vitals" -t "$seconds" -o "$out/vitals.tlm" >"$out/vitals.txt" || code=$?
    finished vitals $code
    code=0; wait $flight || code=$?
    trap - EXIT
    cat "$out/vehicle.log" >&2
    rm -f "$out/vehicle.log"
    finished vehicle $code
}

show() { # name, title
    echo
    echo "$2: $out/$1.tlm, $(wc -c <"$out/$1.tlm" | tr -d ' ') bytes, read back and verified"
    cat "$out/$1.txt"
}

streams() { awk 'NR > 1 && $1 != "all" { print $1 }' "$out/$1.txt"; }

export_file() { # name
    for stream in $(streams "$1"); do
        telem cat "$out/$1.tlm" -f csv --stream "$stream" -o "$out/$1.$stream.csv"
    done
    telem plot "$out/$1.tlm" -o "$out/$1.svg"
}

mkdir -p "$out"
for program in vitals vehicle telem; do build $program; done
record
show vitals "this machine"
show vehicle "the quadrotor"
export_file vitals
export_file vehicle
cat <<END

In $out/ are the recordings (.tlm), each stream as CSV, and the plots:
  $out/vitals.svg
  $out/vehicle.svg

To look further:
  $bin/telem info $out/vitals.tlm
  $bin/telem cat $out/vehicle.tlm --stream event -f text
  $bin/telem cat $out/vitals.tlm --stream machine -f ndjson
  $bin/telem cat $out/vehicle.tlm --stream gps --fields pos -n 5 -f csv
  $bin/telem plot $out/vehicle.tlm --stream imu -o $out/imu.svg
END
exit $lost
