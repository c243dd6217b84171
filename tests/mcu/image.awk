# What an image links, and how deep its calls go. Reads, in this order: the call graph of our own objects
# (gcc -fcallgraph-info=su), the image's disassembly (objdump -d: functions of libc and libgcc have their
# calls and frames from there), the linker's map. Prints
#   stack <function> <bytes>   the dearest path from main, and  path a > b > c
#   linked <archive(member)>   what is kept from libraries
#   BAD <why>                  recursion, heap, printf, double arithmetic, atomics by call, libc beyond memcpy, memset, memcmp
# An indirect call may go to any function whose address is taken, i.e. to all that nobody calls by name: to the
# program's where the line names an io, a clock or a filter of the user's, else to the header's.
function field(name,  s) { s = $0; sub(".*" name ": \"", "", s); sub(/".*/, "", s); sub(/^[^:"]*:/, "", s); return s }
# The callee of an indirect call at file:line:column
function callee(at,  w, n, line) {
    if (!(at in callees)) {
        split(at, w, ":")
        for (n = 0; n < w[2] + 0 && (getline line < w[1]) > 0; n++) {}
        close(w[1])
        callees[at] = line ~ /io->|read\(|filter/ ? "(user)" : "(internal)"
    }
    return callees[at]
}
function edge(from, to) { if (!((from, to) in seen)) { seen[from, to] = 1; calls[from] = calls[from] " " to; called[to] = 1 } }
FNR == 1 { input++ }
input == 1 && /^node:/ {
    name = field("title"); label = $0
    if (match(label, /[0-9]+ bytes/)) frame[name] = substr(label, RSTART, RLENGTH) + 0
    if (label ~ /bytes \(dynamic/) dynamic[name] = 1
    sub(/.*label: "/, "", label); users[name] = label ~ /size\.c:/
    next
}
input == 1 && /^edge:/ {
    to = field("targetname"); at = $0
    sub(/.*label: "/, "", at); sub(/".*/, "", at)
    edge(field("sourcename"), to == "__indirect_call" ? callee(at) : to)
    next
}
input == 2 && /^[0-9a-f]+ <.*>:$/ { now = $2; gsub(/[<>:]/, "", now); linked[now] = 1; ours = now in frame; next }
input == 2 && now != "" && !ours {
    if ($0 ~ /\tpush|\tstmdb\tsp!|\tvpush/) { # registers, from lists like {r4, r5, lr} or {r4-r7}
        list = $0; sub(/.*\{/, "", list); sub(/\}.*/, "", list)
        n = split(list, r, /, */)
        for (i = 1; i <= n; i++) depth[now] += 4 * ($0 ~ /vpush/ ? 2 : 1)
    }
    if (match($0, /\tsub(\.w|w|s)?\tsp, (sp, )?#[0-9]+/)) { s = substr($0, RSTART, RLENGTH); sub(/.*#/, "", s); depth[now] += s }
    if (match($0, /\[sp, #-[0-9]+\]!/)) { s = substr($0, RSTART, RLENGTH); gsub(/[^0-9]/, "", s); depth[now] += s }
    if ($0 ~ /\tb[a-z.]*\t.*<[^>+]*>/) { to = $0; sub(/.*</, "", to); sub(/>.*/, "", to); if (to != now) edge(now, to) }
    next
}
# The map: sections that got an address and a size, from an archive's member.
input == 3 && /^Linker script and memory map/ { body = 1 }
input == 3 && body && /\.a\(/ && NF >= 3 {
    address = $(NF - 2); size = $(NF - 1); member = $NF
    if (address ~ /^0x0*$/ || size == "0x0" || size !~ /^0x/) next
    sub(/.*\//, "", member); members[member] = 1
}
function walk(f, path,  n, i, c, d, best, where, list) {
    if (f in active) { bad["recursion: " path] = 1; return 0 }
    if (f in done) return total[f]
    active[f] = 1
    n = split(calls[f], c, " ")
    for (i = 1; i <= n; i++) {
        if (c[i] !~ /^\(/ && !(c[i] in linked)) continue
        d = walk(c[i], path " > " c[i])
        if (d > best) { best = d; where = c[i] }
    }
    delete active[f]
    done[f] = 1; next_of[f] = where
    return total[f] = best + (f in frame ? frame[f] : depth[f])
}
END {
    for (f in frame) if (f in linked && !(f in called) && f !~ /^(main|reset|start|on_|fault$|nothing$)/) edge(users[f] ? "(user)" : "(internal)", f)
    deepest = walk("main", "main")
    for (f in dynamic) if (f in linked) bad["a frame of dynamic size: " f] = 1
    path = "main"
    for (f = next_of["main"]; f != ""; f = next_of[f]) path = path " > " f
    print "stack " deepest " bytes: " path
    for (m in members) {
        print "linked " m
        name = m; sub(/.*\(/, "", name); sub(/\).*/, "", name); sub(/^(lib_a|libc_a)-/, "", name); sub(/\.o$/, "", name)
        if (m ~ /^libc|^libg\.|^libnosys|^libm|^librdimon/ && name !~ /^(memcpy|memset|memcmp|memcpy-stub|memcpy-armv7m)$/)
            bad["libc: " m] = 1
    }
    for (f in linked) if (f ~ /^_?(malloc|calloc|realloc|free|_sbrk|v?s?n?printf|_(v?f?printf|dtoa).*|__atomic_.*|__sync_.*)(_r)?$/)
        bad["linked: " f] = 1
    for (f in linked) if (f ~ /^__(aeabi_(d[a-z]|c?dcmp|c?drsub|[uil]*2d|f2d|u?l2d)|(add|sub|mul|div|neg|fix|fixuns|float|floatun|extendsf|trunc|cmp|eq|ge|le|lt|gt|ne|unord)[a-z]*df)/) bad["double arithmetic: " f] = 1
    for (b in bad) { print "BAD " b; status = 1 }
    exit status
}
