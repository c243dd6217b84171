#!/bin/sh
# Installs what the tests use, where it may. Runs in no time when all of it is there.
#   sh tests/deps.sh demo|small|wide     a compiler, lz4, xxhash | + clang, arm | + all targets
#   sh tests/deps.sh bench               the peers that the benchmarks compare with
#   sh tests/deps.sh source              lz4.c and xxhash.h for cross builds, into build/dep
# By apt, as root or by passwordless sudo; else it prints the one command to run and goes on:
# what is absent is reported as SKIPPED later. TELEM_NO_INSTALL=1 never installs.
set -u
set_name=${1:-small}
dep=${BUILD:-build}/dep
locale=${BUILD:-build}/locale
unknown=${BUILD:-build}/unknown-packages
mkdir -p "$dep"
export DEBIAN_FRONTEND=noninteractive

have() { command -v "$1" >/dev/null 2>&1; }
installed() { dpkg-query -W -f='${Status}\n' "$1" 2>/dev/null | grep -q ' installed$'; }
root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
may_install() {
    [ -z "${TELEM_NO_INSTALL:-}" ] && have apt-get &&
        { [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }
}
header() { echo "#include <$1>" | ${CC:-cc} ${CFLAGS:-} -x c -fsyntax-only - 2>/dev/null; }
sanitizers() {
    echo 'int main(void) { return 0; }' | clang -fsanitize=thread -x c - -o /dev/null 2>/dev/null
}
# A locale with a decimal comma, for the tests only (LOCPATH, see tests/unit.sh).
german() {
    [ -d "$locale/de_DE.UTF-8" ] ||
        { mkdir -p "$locale" && localedef -i de_DE -f UTF-8 "$locale/de_DE.UTF-8" >/dev/null 2>&1; }
}

# The packages of a set. Those whose job another compiler already does are left alone.
packages() {
    have "${CC:-cc}" || echo gcc libc6-dev
    header lz4.h || echo liblz4-dev
    header xxhash.h || echo libxxhash-dev
    [ "$1" = demo ] && return
    [ "$1" != bench ] || { echo libck-dev liburcu-dev libzstd-dev; return; }
    have gcc || echo gcc libc6-dev
    have g++ || echo g++
    [ -e /usr/include/relacy/relacy.hpp ] || echo relacy-dev
    have clang || echo clang
    sanitizers || echo libclang-rt-dev
    german || echo locales
    echo gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm
    [ "$1" = small ] && return
    gcc=$(gcc -dumpversion 2>/dev/null | cut -d. -f1)
    [ "$(uname -m)" != x86_64 ] || echo "gcc-${gcc:=12}-multilib g++-$gcc-multilib" libc6-dev-i386
    echo gcc-mingw-w64-x86-64-win32 wine64 gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
        gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user-static dpkg-dev
}

missing() {
    for p in $(packages "$1"); do
        installed "$p" || grep -qx "$p" "$unknown" 2>/dev/null || echo "$p"
    done
}

# A distribution that lacks one of the packages still gets the others, and is asked only once.
known() {
    for p in "$@"; do
        if apt-cache policy "$p" 2>/dev/null | grep -q 'Candidate: [^(]'; then echo "$p"
        else echo "$p" >>"$unknown"; fi
    done
}

apt_install() {
    echo "installing: $(echo "$@")"
    log=$(mktemp)
    {
        root apt-get -o DPkg::Lock::Timeout=580 update
        known=$(known "$@")
        root apt-get -o DPkg::Lock::Timeout=580 install -y --no-install-recommends $known ||
            for p in $known; do
                root apt-get -o DPkg::Lock::Timeout=580 install -y --no-install-recommends "$p"
            done
    } >"$log" 2>&1 </dev/null || tail -n 5 "$log"
    rm -f "$log"
}

# Without a compiler, lz4 and xxhash there is nothing to test.
essentials() {
    bad=
    have "${CC:-cc}" || bad="a C compiler (gcc)"
    [ -n "$bad" ] || header lz4.h || bad="lz4.h (liblz4-dev)"
    [ -n "$bad" ] || header xxhash.h || bad="xxhash.h (libxxhash-dev)"
    [ -z "$bad" ] || { echo "error: $bad is absent" >&2; exit 1; }
}

# The upstream sources come from the distribution's own archive by a temporary list: nothing on
# the system changes. Without them the cross builds take -DTELEM_NO_LZ4.
source_list() {
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null |
        grep -iE '^(Types|URIs|Suites|Components|Signed-By):|^$' |
        sed 's/^Types:.*/Types: deb-src/' >"$1/own.sources"
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        sed -n 's/^deb /deb-src /p' >"$1/own.list"
}

unpack() { # a source package; with tar where there is no dpkg-source
    if have dpkg-source; then dpkg-source --no-check -x "$1"_*.dsc "$1"; else
        mkdir "$1" && tar -xf "$1"_*.orig.tar.* -C "$1" --strip-components=1
    fi
}
fetch_sources() {
    have apt-get || return 1
    t=$(mktemp -d) && mkdir -p "$t/parts" "$t/lists/partial" "$t/cache/archives/partial" "$t/src"
    source_list "$t/parts"
    (
        cd "$t/src" || exit 1
        set -- -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$t/parts" \
            -o Dir::State::Lists="$t/lists" -o Dir::Cache="$t/cache" -o APT::Sandbox::User=root -o Acquire::Retries=0 -o Acquire::http::Timeout=15
        apt-get "$@" update
        apt-get "$@" source --download-only lz4 && unpack lz4
    ) >"$t/log" 2>&1 </dev/null
    [ -f "$t/src/lz4/lib/lz4.c" ] && cp "$t/src/lz4/lib/lz4.c" "$t/src/lz4/lib/lz4.h" "$dep/"
    rc=$?
    rm -rf "$t"
    return $rc
}

if [ "$set_name" = source ]; then
    [ -f "$dep/xxhash.h" ] || cp /usr/include/xxhash.h "$dep/" 2>/dev/null
    [ -f "$dep/lz4.c" ] || fetch_sources || echo "lz4.c cannot be had here: cross builds go without (-DTELEM_NO_LZ4)"
    exit 0
fi

want=$(missing "$set_name" | sort -u | tr "\n" " ")
if [ -n "$want" ]; then
    if may_install; then apt_install $want
    elif have apt-get; then
        echo "To install what is missing, run:"
        echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends" $want
    fi
fi
essentials
[ "$set_name" = demo ] || german || echo "no German locale: the tests that want one say SKIPPED"
