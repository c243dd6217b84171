#!/bin/sh
# Seeded defects: each row below changes one thing in a copy of telem_ring.h, and the test that it
# names must fail on it. (The orders of all atomics are weakened one by one by the model itself:
# MODEL=mutants sh tests/run.sh model.) Then ORDERING in the header against its code (ring_edges.awk).
#   sh tests/ring_mutants.sh            prints a table, fails when a defect is not found
#   sh tests/ring_mutants.sh one NAME   that one, with all that the test says
# JOBS=n at a time.
set -u
export BUILD=${BUILD:-build} CC=${CC:-cc} JOBS=${JOBS:-2}
work=$BUILD/mutants
self=$0

# name @ program @ its test @ the line (sed address) @ what becomes of it
defects() { cat <<'TABLE'
voids_stored_plainly @ forced @ two_producers_retire_one_number @ was != voids && !TELEM_CAS32 @ s/!TELEM_CAS32(entry, &was, voids)/(TELEM_STORE32_RELEASE(entry, voids), 0)/
tail_moved_before_voids @ forced @ two_producers_retire_one_number @ was != voids && !TELEM_CAS32 @ s/.*/    if (was != voids) { state = t; if (TELEM_CAS32(\&s->tail, \&state, t + k)) (void)TELEM_CAS32(entry, \&was, voids); return TELEM_OK; }/
voids_not_rechecked @ forced @ two_producers_retire_one_number @ what was read may belong to a later lap @ d
state_not_read_again @ forced_narrow @ two_producers_meet_at_one_number @ return 0; .. last: while n is free @ d
parked_before_its_start_is_known @ forced @ two_producers_park_one_record @ TELEM_STORE32_RELAXED(&p->start, start); @ d
parked_entry_taken_by_two @ forced @ two_producers_park_one_record @ if (TELEM_CAS32(&s->parking\[i\].number, &was, mine @ s/if (.*) return/if (TELEM_LOAD32_ACQUIRE(\&s->parking[i].number) == 0 \&\& (TELEM_STORE32_RELEASE(\&s->parking[i].number, mine), 1)) return/
parked_span_written_into @ forced @ owner_leaves_while_another_steps_around @ if (!telem_i_parked_alive(state)) continue; @ s/if (.*) continue;/if (state) continue;/
zombie_forgotten @ forced @ owner_leaves_while_another_steps_around @ if (telem_i_parked_alive(old)) return @ d
leaver_keeps_his_entry @ forced @ owner_leaves_while_another_steps_around @ ^    telem_i_shared_unpark(w->shared @ d
goes_round_for_ever @ forced @ record_longer_than_all_gaps_is_refused @ once round: parked spans leave no gap @ s/stepped <= w->ring->fixed.shared_units/1/
revoked_not_counted @ forced @ owner_commits_while_another_revokes @ ^            telem_i_count_add(&s->refused.count, 1); @ d
revoked_by_store @ forced @ owner_commits_while_another_revokes @ if (telem_i_desc_change(d, state, start, \*state @ s/telem_i_desc_change(d, state, start, \(.*\)))/(telem_i_desc_set(d, \1, start), 1))/
late_commit_by_store @ forced @ owner_commits_while_another_revokes @ if (telem_i_desc_change(d, &state, start, state | how)) @ s/telem_i_desc_change(d, &state, start, \(.*\)))/(telem_i_desc_set(d, \1, start), 1))/
commit_by_store @ forced @ two_producers_meet_at_one_number @ telem_i_desc_change(at.d, &at.state @ s/telem_i_desc_change(at.d, &at.state, at.start, \(.*\)))/(telem_i_desc_set(at.d, \1, at.start), 1))/
reader_revokes_by_store @ forced @ owner_commits_while_the_reader_revokes @ if (telem_i_desc_change(telem_i_shared_desc(rd @ s/telem_i_desc_change(\(.*\), &state, start, \(.*\)))/(telem_i_desc_set(\1, \2, start), 1))/
lane_copy_not_checked @ forced @ reader_is_lapped_in_mid_copy @ if (!telem_i_lane_intact(l, c->pos)) return 0; @ d
shared_head_not_checked @ forced @ filtered_reader_is_lapped_in_mid_look @ if (!telem_i_reader_trusted(rd) && !telem_i_shared_intact(s, n)) return TELEM_AGAIN; @ d
copies_more_than_there_is @ forced @ sleeper_with_a_large_buffer_reads_inside_the_ring @ if (n > mask + 1u) return 0; @ d
shared_copy_not_checked @ forced @ reader_is_lapped_in_mid_copy @ if (telem_i_reader_intact(rd, i)) return TELEM_OK; @ s/if (.*) return/return/
floor_raised_after_the_bytes @ forced @ reader_is_lapped_in_mid_copy @ TELEM_I_POS_SET_RELEASE(&w->lane->floor, w->floor); @ d
claim_looks_once @ forced @ reader_joins_while_a_writer_takes_the_space @ ^            if (lag > size) return TELEM_FULL; @ d
gate_not_looked_at_again @ forced @ reader_joins_while_a_writer_takes_the_space @ if (!rd->slot || telem_i_gate_holds(rd, i)) @ s/if (.*) {/if (1) {/
clears_without_looking @ forced @ reader_joins_while_a_writer_takes_the_space @ if (telem_i_gate_lag(r, r->fixed.lanes, (telem_i_pos)tail, 0, time)) return TELEM_FULL; @ d
expelled_is_not_seen @ forced @ reader_is_expelled_in_mid_look @ return TELEM_LOAD32_RELAXED(&rd->slot->state) == rd->slot_state; @ s/return .*/return 1;/
lane_taken_without_cas @ forced @ two_claim_one_lane @ if (!TELEM_CAS32(&l->owner @ s/if (.*) return/if (TELEM_LOAD32_ACQUIRE(\&l->owner) || (TELEM_STORE32_RELEASE(\&l->owner, 1u), free_lane)) return/
since_read_before_the_gate_only @ forced @ reader_is_not_expelled_before_its_time @ since = TELEM_LOAD32_RELAXED(&g->since); @ d
gate_taken_without_cas @ forced @ two_take_one_place_of_a_gating_reader @ if (!TELEM_CAS32(&slot->state, &was, (was @ s/if (.*) continue;/TELEM_STORE32_RELEASE(\&slot->state, (was | TELEM_I_SLOT_JOINING) + 4u);/
gate_freed_before_the_copy @ forced @ reader_is_lapped_in_mid_copy @ if (found.len) telem_i_cells_get @ s/if (found.len)/if (rd->gate) TELEM_I_POS_SET_RELEASE(rd->gate, rd->quick->pos + (telem_i_pos)((size_t)(rd->next - rd->from) \/ 8u)); if (found.len)/
count_added_plainly @ forced @ two_producers_are_refused_at_once @ if (TELEM_FETCH_ADD32(&c->lo, 1u) == UINT32_MAX) @ s/if (TELEM_FETCH_ADD32(&c->lo, 1u) == UINT32_MAX)/uint32_t n = TELEM_LOAD32_RELAXED(\&c->lo); TELEM_STORE32_RELEASE(\&c->lo, n + 1u); if (n == UINT32_MAX)/
fired_is_not_released @ tsan @ trigger_is_fired_by_any_thread @ TELEM_STORE32_RELEASE(&t->state, armed) @ s/RELEASE/RELAXED/
fired_is_not_acquired @ tsan @ trigger_is_fired_by_any_thread @ TELEM_I_TRIGGER_FIRED) return TELEM_EMPTY; @ s/ACQUIRE/RELAXED/
TABLE
}

# Builds the program of row $1 with the header in directory $2. The narrow ones include the wide ones' file.
build() {
    compiler="$CC -std=c99" file=$1
    [ "$1" != tsan ] || compiler="clang -std=c11 -fsanitize=thread" file=threads
    $compiler -O1 -w -I"$2" -I. -Itests "tests/test_ring_$file.c" -o "$2/$1" -lpthread >"$2/log" 2>&1
}

field() { defects | grep "^$1 @ " | awk -F ' @ ' -v n="$2" '{ print $n }'; } # name number
fails() { # quick: 1 or 0. To hang is to fail.
    ! CHECK_ONLY=$test CHECK_QUICK=$1 timeout -k 1 60 "$dir/$program" >"$dir/log" 2>&1
}

one() { # name
    defects | grep -q "^$1 @ " || { echo "no defect $1"; exit 2; }
    program=$(field "$1" 2) test=$(field "$1" 3) line=$(field "$1" 4) change=$(field "$1" 5)
    dir=$work/$1
    mkdir -p "$dir"
    sed "/$(printf '%s' "$line" | sed 's,/,\\/,g')/{
$change
}" telem_ring.h >"$dir/telem_ring.h"
    what="does not apply any more: mend the row"
    if ! cmp -s telem_ring.h "$dir/telem_ring.h"; then
        if ! grep -q "RUN($test);" tests/test_ring_forced.c tests/test_ring_threads.c; then what="has no such test: mend the row"
        elif ! build "$program" "$dir"; then what="does not compile: mend the row"
        elif fails 1; then what=found
        elif fails 0; then what="found (by the long form)"
        else what="NOTHING FAILS"; fi
    fi
    at=$(grep -n -m 1 "$line" telem_ring.h | cut -d: -f1)
    printf '%-30s line %-5s %-14s %-45s %s\n' "$1" "$at" "$program" "$test" "$what" | tee "$dir/row"
    rm -f "$dir/$program"
}

if [ "${1:-}" = one ]; then one "$2"; [ -z "${VERBOSE:-}" ] || cat "$work/$2/log"; exit; fi

rm -rf "$work"
mkdir -p "$work/sound"
bad=0
for p in $(defects | awk -F ' @ ' '{ print $2 }' | sort -u); do # the header as it is passes all these tests
    build "$p" "$work/sound" && CHECK_QUICK=1 "$work/sound/$p" >"$work/sound/log" 2>&1 || { bad=$((bad + 1)); tail "$work/sound/log"; }
done
defects | cut -d' ' -f1 | xargs -P "$JOBS" -L 1 sh "$self" one
awk -f tests/ring_edges.awk telem_ring.h telem_ring.h >"$work/edges" || bad=$((bad + 1))
grep -v '^test ' "$work/edges"
for t in $(awk '/^test / { print $3 }' "$work/edges" | sort -u); do
    grep -q "\b$t\b" tests/model_ring.cc tests/test_ring*.c || { echo "ORDERING names $t, and there is no such test"; bad=$((bad + 1)); }
done
all=$(defects | wc -l) found=$(cat "$work"/*/row | grep -c ' found')
echo "$found passed, $((all - found + bad)) failed, 0 skipped"
[ $((all - found + bad)) = 0 ]
