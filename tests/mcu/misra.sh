#!/bin/sh
# cppcheck's MISRA C:2012 addon over the headers as a microcontroller compiles them. Every rule that is not
# kept everywhere stands in the list below with its reason; a rule that is not in the list fails.
#   sh tests/mcu/misra.sh          the list, with how many places there are today (make misra)
#   sh tests/mcu/misra.sh RULE     these places
set -u
BUILD=${BUILD:-build}
out=$BUILD/misra
mkdir -p "$out"

deviations() { cat <<'TABLE'
2.2   a difference of times modulo 2^64 is written as 0 - x: not dead, the checker folds it
2.3   types of the interface that a program need not use
2.4   tags of structs and enums are for the user's debugger and forward declarations
2.5   macros of the interface that a program need not use
5.5   TELEM_I_INLINE functions whose name the addon takes for a macro's
7.2   constants that fit a signed type are written without a suffix
8.7   functions of the interface have external linkage; TELEM_STATIC makes them static
8.9   tables stand beside the functions that explain them
9.4   arrays of short texts, one initialiser each: the addon counts their letters
10.1  a bool of C99 is an int here (C++11 and C99 compile the same text); shifts by expressions
10.2  letters are counted as ASCII; files are UTF-8, so are the headers
10.3  compilers check narrowing instead (-Wconversion -Wsign-conversion, no warning on five of them)
10.4  the same: u8 and u16 are promoted to int, and mixed with unsigned of a known range
10.6  a product of u32 is widened where its range is known to be small
10.7  the same
10.8  a cast of a whole expression to its known range, so that no compiler warns
11.4  addresses as integers for alignment checks and hints only
11.5  void * is how memory of the caller comes in; alignment is checked before
11.6  the same: alignment of the caller's memory
11.8  a builder's own memory loses const on the way back; a map is never written
11.9  0 as an int in ?: that the addon takes for a null pointer
12.1  precedence that -Wparentheses accepts is not spelled out
12.2  a shift behind a check that the addon does not follow
12.3  the comma joins small assignments in a line, and in for ()
13.3  ++ and -- inside an expression: cursors over bytes
13.4  a result that is assigned and compared in one condition
13.5  && whose right side counts down the tries
14.2  for () with several counters, or none
14.4  conditions are int, as in C90
15.4  more than one way out of a loop
15.5  early return: arguments and errors are dealt with first
15.7  if .. else if without else where nothing is to be done
17.7  (void) stands at results that matter; memcpy, memset and puts of bytes have none that does
17.8  parameters are cursors
18.4  pointers into bounded buffers move by + and -; each step is behind a check of what is left
19.2  a union of hash states; one member is used at a time
20.1  the headers include each other, and libc's, where they need them
20.5  #undef of the macros that are the header's own
20.7  type and name parameters of TELEM_DEFINE's tables cannot stand in brackets
20.9  UINTPTR_MAX comes from stdint.h
20.10 names are made with ## from TELEM_DEFINE's tables
TABLE
}

command -v cppcheck >/dev/null 2>&1 || { echo "SKIPPED misra (install package cppcheck)"; echo "0 passed, 0 failed, 1 skipped"; exit; }
sh tests/deps.sh source
cat >"$out/all.c" <<'C'
#define TELEM_IMPLEMENTATION
#define TELEM_NO_LZ4
#define TELEM_NO_XXH3
#define TELEM_NO_STDIO
#define TELEM_NO_POSIX
#define TELEM_FILE_NO_COLUMNS
#include "telem_ring.h"
#include "telem_file.h"
C
cppcheck --addon=misra --std=c99 --platform=arm32-wchar_t4 -D__arm__=1 -D__GNUC__=12 -D__ARM_ARCH=7 -D__ARM_ARCH_PROFILE=77 \
    -I. --quiet --template='{file}:{line}: {id}' "$out/all.c" 2>&1 | grep '^telem[a-z_]*\.h:.*misra' | sort -u >"$out/found"
if [ -n "${1:-}" ]; then grep "c2012-$1\$" "$out/found"; exit; fi
[ -s "$out/found" ] || { echo "cppcheck found nothing at all: its misra addon does not work"; exit 1; }
sed 's/.*misra-c2012-//' "$out/found" | sort -V | uniq -c >"$out/counts"
failed=0
while read -r count rule; do
    reason=$(deviations | awk -v r="$rule" '$1 "" == r "" { $1 = ""; print substr($0, 2) }')
    [ -n "$reason" ] || { failed=$((failed + 1)); reason="NOT IN THE LIST: keep it, or list it with a reason (misra.sh $rule)"; }
    printf '%-6s %4d  %s\n' "$rule" "$count" "$reason"
done <"$out/counts"
echo "$(($(wc -l <"$out/counts") - failed)) passed, $failed failed, 0 skipped"
[ $failed = 0 ]
