# ring_edges.awk - compares the EDGES of telem_ring.h (ORDERING) with its code: every line with an
# acquire, release, read-modify-write or fence cites an edge; every citation stands in the row of that
# edge; every function of a row cites it, on the side that the row says. Prints the tests they name.
#     awk -f tests/ring_edges.awk telem_ring.h telem_ring.h
function complain(what) { print "edges: " what; bad++ }
function row_ends(    part, f, n, i, e) {
    if (row == "") return
    split(row, part, " [|] ")
    n = split(part[1], f, " "); e = f[1]; rows++
    known[e] = 1
    for (i = 2; i <= n; i++) left[e, f[i]] = 1
    n = split(part[2], f, " ")
    for (i = 1; i <= n; i++) right[e, f[i]] = 1
    gsub(/ /, "", part[4])
    if (part[4] == "") complain(e " names no test")
    test[e] = part[4]
    row = ""
}
FNR == NR && /^   INTERLEAVINGS/ { drawn = 1 }
FNR == NR && drawn && /\*\// { drawn = 0 }
FNR == NR && drawn && match($0, /[a-z]+_[a-z_]+$/) && $0 !~ /\.c/ { test["interleaving " ++drawings] = substr($0, RSTART) }
FNR == NR {
    if (/^ +EDGES\. /) table = 1
    if (!table) next
    if (/^     E[0-9]+ +/) { row_ends(); row = $0 }
    else if (/^          +[^ ]/ && row != "") row = row " " $0
    else { row_ends(); if (/\*\//) table = 0 }
    next
}
/^#/ { next }
/^[a-zA-Z].*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name); sub(/^telem_/, "", name) }
{ code = $0; sub(/\/\*.*/, "", code) }
code ~ /TELEM_[A-Z0-9_]*(ACQUIRE|RELEASE|CAS32|CAS64|FETCH_ADD32|SEQ_CST)[A-Z0-9_]*\(/ {
    lets = code ~ /RELEASE|CAS32|CAS64|FETCH_ADD32|SEQ_CST/
    gets = code ~ /ACQUIRE|CAS32|CAS64|FETCH_ADD32|SEQ_CST/
    rest = $0; cited = 0; lines++
    while (match(rest, /[^A-Za-z0-9]E[0-9]+/)) {
        e = substr(rest, RSTART + 1, RLENGTH - 1); rest = substr(rest, RSTART + RLENGTH); cited++
        if (!(e in known)) complain(FNR ": " e " is not in the table")
        else if (!((e, name) in left) && !((e, name) in right)) complain(FNR ": " name " cites " e ", whose row does not say so")
        if (lets) releases[e, name] = 1
        if (gets) acquires[e, name] = 1
    }
    if (!cited) complain(FNR ": an order without an edge: " code)
}
END {
    for (k in left) { split(k, p, SUBSEP); if (!(k in releases)) complain(p[1] ": nothing in " p[2] " releases") }
    for (k in right) {
        split(k, p, SUBSEP)
        if (p[1] != "E0" && !(k in acquires)) complain(p[1] ": nothing in " p[2] " acquires") # attach reads what is still
    }
    for (e in test) { name = e; gsub(/ /, "-", name); print "test " name " " test[e] }
    printf "%d edges, %d lines with an order, %d wrong\n", rows, lines, bad
    exit bad > 0
}
