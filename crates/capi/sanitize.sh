#!/usr/bin/env bash
# The C tests against a library that is built with AddressSanitizer itself, and under valgrind. usage: crates/capi/sanitize.sh
#
# gcc and clang instrument the programs alone; the library is built by the nightly compiler with -Zsanitizer=address, and a mistake on purpose inside it
# (src/asan_canary.rs) must be reported before anything else counts. The standard library stays as it comes: its allocations go through the
# sanitizer, its accesses are not checked.
#
#   HANDSHAKES            handshakes of the run with flat memory, 100000
#   VALGRIND_HANDSHAKES   handshakes under valgrind, 1000
#   CARGO_TARGET_DIR      where the libraries are built; in directories of their own below it
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
target=$(realpath -m -- "${CARGO_TARGET_DIR:-target}")
triple=x86_64-unknown-linux-gnu
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
passed=0 failed=0

main() {
    install_packages
    build_libraries
    write_settings
    canary
    sanitized
    under_valgrind
    flat
    echo "$passed passed, $failed failed"
    ((failed == 0))
}

fail() {
    echo "$*" >&2
    exit 1
}

install_packages() {
    local package missing=() as_root=()
    for package in clang gcc libc6-dev valgrind; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) = installed ]] || missing+=("$package")
    done
    # A clang without its runtime libraries is none for us.
    [[ -e $(clang -print-file-name=libclang_rt.asan-x86_64.a 2>/dev/null) ]] || missing+=(libclang-rt-dev)
    rustup run nightly rustc --version >/dev/null 2>&1 || fail "rustup has no nightly toolchain"
    ((${#missing[@]} == 0)) && return
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "not root and no sudo; packages missing: ${missing[*]}"
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get -qq update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null
}

# The sanitized one is a static library: a shared one would need the sanitizer's runtime, which belongs to the program, when it is linked.
build_libraries() {
    CARGO_TARGET_DIR=$target/asan RUSTFLAGS=-Zsanitizer=address CARGO_PROFILE_DEV_DEBUG=1 \
        cargo +nightly rustc -q -p ntlm-capi --lib --target "$triple" --crate-type staticlib -- --cfg asan_canary
    asan=$target/asan/$triple/debug/libntlmsspi.a
    CARGO_TARGET_DIR=$target/plain CARGO_PROFILE_RELEASE_DEBUG=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo rustc -q --release -p ntlm-capi --lib --crate-type staticlib
    plain=$target/plain/release/libntlmsspi.a
}

write_settings() {
    cat >"$scratch/users" <<'END'
EXAMPLE:alice:Passw0rd!
EXAMPLE:bob:secret
:local:secret
END
    # One process is both sides.
    cat >"$scratch/ntlm.toml" <<'END'
dangerous_answer_own_challenges = true
[accounts]
user_file = 'users'
END
    chmod 600 "$scratch"/{users,ntlm.toml}
}

# compile LIBRARY SOURCE PROGRAM COMPILER [FLAG...]
compile() {
    local library=$1 source=$2 program=$3
    shift 3
    "$@" -std=c11 -g -Wall -Wextra -I "$here/include" "$source" "$library" -o "$program" -pthread -ldl -lm
}

# check NAME COMMAND...: runs it with the settings of the tests, and counts.
check() {
    local name=$1
    shift
    if env -u NTLM_USER_FILE -u LD_LIBRARY_PATH NTLM_CONFIG="$scratch/ntlm.toml" \
        ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 \
        "$@" >"$scratch/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok   $name: $(grep -v '^==' "$scratch/log" | tail -n 1 | cut -c 1-100)"
    else
        failed=$((failed + 1))
        echo "FAIL $name"
        tail -n 60 "$scratch/log"
    fi
}

canary() {
    cat >"$scratch/canary.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
extern unsigned char ntlm_sspi_asan_canary(size_t length);
int main(int argc, char **argv)
{
    printf("read %u\n", ntlm_sspi_asan_canary(argc > 1 ? strtoul(argv[1], NULL, 10) : 0));
    return 0;
}
END
    cat >"$scratch/reported" <<'END'
#!/bin/sh
# A command that must be ended by a report on a function of the library.
if output=$("$@" 2>&1); then
    echo "not reported: $output"
    exit 1
fi
echo "$output" | grep -q 'in .*ntlm_sspi_asan_canary' || { echo "$output"; exit 1; }
echo "$output" | grep -o 'AddressSanitizer: heap-buffer-overflow' | head -n 1 | grep .
END
    chmod 700 "$scratch/reported"
    compile "$asan" "$scratch/canary.c" "$scratch/canary" clang -fsanitize=address
    check "canary at rest" "$scratch/canary"
    check "canary reads behind a block" "$scratch/reported" "$scratch/canary" 24
    # Without it the rest proves nothing.
    ((failed == 0)) || fail "AddressSanitizer is not on in the library"
}

sanitized() {
    local source name arguments
    for source in "$here"/tests/c/*.c; do
        name=$(basename "$source" .c)
        compile "$asan" "$source" "$scratch/$name-asan" clang -fsanitize=address,undefined -fno-sanitize-recover=all
        case $name in
            leaks) arguments=(500 unmeasured) ;;
            logon) arguments=(EXAMPLE alice 'Passw0rd!') ;;
            *) arguments=() ;;
        esac
        check "$name, AddressSanitizer and UndefinedBehaviorSanitizer" "$scratch/$name-asan" "${arguments[@]}"
    done
}

under_valgrind() {
    local source name arguments
    # Not "possibly lost", which is what valgrind says of everything in a hash table, because such a table is known by an address inside its block: the
    # process' accounts are in one.
    for source in "$here"/tests/c/*.c; do
        name=$(basename "$source" .c)
        compile "$plain" "$source" "$scratch/$name" gcc -O1
        case $name in
            leaks) arguments=("${VALGRIND_HANDSHAKES:-1000}" unmeasured) ;;
            threads) arguments=(2) ;;
            logon) arguments=(EXAMPLE alice 'Passw0rd!') ;;
            *) arguments=() ;;
        esac
        check "${name}${arguments[0]:+ ${arguments[0]}}, valgrind" valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect \
            --errors-for-leak-kinds=definite,indirect --fair-sched=yes "$scratch/$name" "${arguments[@]}"
    done
}

flat() {
    check "${HANDSHAKES:-100000} handshakes with flat memory" "$scratch/leaks" "${HANDSHAKES:-100000}"
}

main
