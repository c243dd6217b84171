#!/bin/sh
# Seeded defects of what threads do around one writer of telem_file.h (syncs in turn, the gate, the
# hand-over of the coding side): each row changes one thing in a copy of the header, and the scenario
# of model_file.cc that it names must fail on it. (Orders of atomics: MODEL=mutants.)
#   sh tests/file_mutants.sh            prints a table, fails when a defect is not found
#   sh tests/file_mutants.sh one NAME   that one, with all that the model says
# JOBS=n at a time; each compiles the header (8 s; at -O1 twice that, and most defects show in the first schedules).
set -u
export BUILD=${BUILD:-build} JOBS=${JOBS:-2}
work=$BUILD/file-mutants
self=$0

# name @ scenario @ function @ the line in it (sed address) @ what becomes of it
defects() { cat <<'TABLE'
turn_not_passed_on @ syncs_in_turn @ telem_i_file_sync_end @ TELEM_STORE32_RELEASE @ d
turn_not_waited_for @ syncs_in_turn @ telem_i_file_sync_begin @ while ( @ d
any_turn_will_do @ syncs_in_turn @ telem_i_file_sync_begin @ while ( @ s/!= ticket/< ticket/;s/while (/while ((int32_t)(ticket - 1u) > 0 \&\& /
barging_lock @ syncs_in_turn @ telem_i_file_sync_begin @ uint32_t ticket @ s/.*/    uint32_t ticket = 0; while (ticket = TELEM_LOAD32_ACQUIRE(\&w->sync_turn), !TELEM_CAS32(\&w->sync_ticket, \&ticket, ticket + 1u)) telem_i_file_gate_wait(w);/
synced_before_the_sync @ syncs_in_turn @ telem_i_file_sync_io @ r = telem_i_file_io_sync @ s/^/        TELEM_STORE32_RELEASE(\&w->synced, sealed);/
synced_though_it_failed @ syncs_that_fail @ telem_i_file_sync_io @ &w->synced, sealed @ s/if (r == TELEM_OK)//
sealed_read_after_the_sync @ syncs_in_turn @ telem_i_file_sync_io @ &w->synced, sealed @ s/sealed)/TELEM_LOAD32_ACQUIRE(\&w->sealed))/
failure_not_kept @ syncs_that_fail @ telem_i_file_sync_done @ TELEM_STORE32_RELAXED @ d
failure_read_again @ syncs_that_fail @ telem_i_file_sync_io @ return r; @ s/r;/(telem_result)-(int32_t)TELEM_LOAD32_RELAXED(\&w->sync_failed);/
sync_after_a_failed_one @ syncs_that_fail @ telem_i_file_sync_begin @ return @ s/return.*/return TELEM_OK;/
cleared_before_it_was_told @ syncs_that_fail @ TELEM_API telem_result telem_file_writer_clear( @ if (w->sync_told) TELEM_STORE32_RELAXED @ s/if (w->sync_told) //
gate_does_not_wait @ io_goes @ telem_i_file_gate_shut @ while ( @ d
gate_lets_in_when_shut @ io_goes @ telem_i_file_gate_enter @ TELEM_I_FILE_SHUT @ s/was & TELEM_I_FILE_SHUT/0/
gate_left_before_the_sync @ io_goes @ TELEM_API telem_result telem_file_sync( @ telem_i_file_gate_enter @ s/;/; telem_i_file_gate_leave(w); telem_i_file_gate_add(w, 0);/
gate_opened_early @ io_goes @ TELEM_API telem_result telem_file_writer_close( @ telem_i_file_gate_shut @ s/;/; telem_i_file_gate_open(w); telem_i_file_gate_add(w, TELEM_I_FILE_SHUT);/
taken_without_cas @ helper_codes @ static void telem_i_file_acquire( @ for (none = 0 @ s/!TELEM_CAS32(&x->owner, &none, 1)/TELEM_LOAD32_ACQUIRE(\&x->owner) || (TELEM_STORE32_RELEASE(\&x->owner, 1), 0)/
helper_does_not_ask @ helper_codes @ TELEM_API int telem_file_work( @ TELEM_CAS32(&x->owner @ s/ || !TELEM_CAS32(&x->owner, &none, 1)//
not_given_back @ helper_codes @ TELEM_API int telem_file_work( @ TELEM_STORE32_RELEASE(&x->owner @ d
given_back_twice @ helper_codes @ static void telem_i_file_release( @ --x->held @ s/--x->held > 0/(x->held ? --x->held : 0, 0)/
coded_counted_early @ helper_codes @ static uint32_t telem_i_file_pace_step( @ cost = telem_i_file_job_step @ s/^/    if (j->phase != TELEM_I_FILE_JOB_NONE) TELEM_STORE32_RELEASE(\&x->coded, coded + 1u);/
sealed_counted_early @ helper_codes @ static telem_result telem_i_file_seal( @ g->sealed = g->fill; @ s/^/    x->queue[sealed % x->places] = s; TELEM_STORE32_RELEASE(\&x->sealed, sealed + 1u);/
TABLE
}

field() { defects | grep "^$1 @ " | awk -F ' @ ' -v n="$2" '{ print $n }'; } # name number
build() { g++ -std=c++17 -O0 -w -fpermissive -I"$1" -I. -Itests tests/model_file.cc -o "$1/model" -lpthread >"$1/log" 2>&1; }

# Of a function that is declared and then defined, the definition.
change() { # function line change
    awk -v f="$1" '!from && index($0, f) && /\{$/ { from = NR } from && !to && /^}/ && NR > from { to = NR } END { print from "," to }' telem_file.h >"$dir/range"
    sed "$(cat "$dir/range"){
\\@$2@{
$3
}
}" telem_file.h >"$dir/telem_file.h"
}

one() { # name
    defects | grep -q "^$1 @ " || { echo "no defect $1"; exit 2; }
    dir=$work/$1
    mkdir -p "$dir"
    change "$(field "$1" 3)" "$(field "$1" 4)" "$(field "$1" 5)"
    what="does not apply any more: mend the row"
    if ! cmp -s telem_file.h "$dir/telem_file.h"; then
        if ! build "$dir"; then what="does not compile: mend the row"
        elif timeout -k 1 60 "$dir/model" "$(field "$1" 2)" 20000 >"$dir/log" 2>&1; then what="NOTHING FAILS"
        else what="found ($(grep "^$(field "$1" 2) FAILS" "$dir/log" | sed 's/.*schedules //'))"; fi
    fi
    printf '%-28s %-18s %s\n' "$1" "$(field "$1" 2)" "$what" | tee "$dir/row"
    rm -f "$dir/model"
}

if [ "${1:-}" = one ]; then one "$2"; [ -z "${VERBOSE:-}" ] || cat "$work/$2/log"; exit; fi

[ -e /usr/include/relacy/relacy.hpp ] || { echo "SKIPPED file_mutants (install package relacy-dev)"; echo "0 passed, 0 failed, 1 skipped"; exit; }
rm -rf "$work"
mkdir -p "$work"
defects | cut -d' ' -f1 | xargs -P "$JOBS" -L 1 sh "$self" one
all=$(defects | wc -l) found=$(cat "$work"/*/row | grep -c ' found')
echo "$found passed, $((all - found)) failed, 0 skipped"
[ "$all" = "$found" ]
