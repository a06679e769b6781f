#!/usr/bin/env bash
# The C tests against a library that is built with AddressSanitizer itself, those with threads against one that is built with ThreadSanitizer, and all of
# them under valgrind. usage: crates/capi/sanitize.sh
#
# gcc and clang instrument the programs alone; the library is built by the nightly compiler with -Zsanitizer=address or thread, and mistakes on purpose inside it
# (src/canary.rs) must be reported before anything else counts. The standard library stays as it comes: its allocations go through the
# sanitizer, its accesses are not checked. What ThreadSanitizer must know of its locks, write_standard_library adds.
#
#   ROUNDS                rounds of the tests with threads under ThreadSanitizer, 200
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
    generated
    thread_canary
    thread_sanitized
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
        cargo +nightly rustc -q -p ntlm-capi --lib --target "$triple" --crate-type staticlib -- --cfg sanitizer_canary
    asan=$target/asan/$triple/debug/libntlmsspi.a
    # The standard library is not built for ThreadSanitizer, which the compiler would not have without being told that this is meant.
    CARGO_TARGET_DIR=$target/tsan RUSTFLAGS='-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer' CARGO_PROFILE_DEV_DEBUG=1 \
        cargo +nightly rustc -q -p ntlm-capi --lib --target "$triple" --crate-type staticlib -- --cfg sanitizer_canary
    tsan=$target/tsan/$triple/debug/libntlmsspi.a
    # The runtime library of the compiler that has instrumented the library: clang's may be older.
    tsan_runtime=$(rustc +nightly --print sysroot)/lib/rustlib/$triple/lib/librustc-nightly_rt.tsan.a
    [[ -e $tsan_runtime ]] || fail "the nightly toolchain has no ThreadSanitizer"
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
# reported FUNCTION REPORT COMMAND...: the command must fail with this report on this function of the library.
function=$1 report=$2
shift 2
if output=$("$@" 2>&1); then
    echo "not reported: $output"
    exit 1
fi
echo "$output" | grep -q "#[0-9]* .*$function" || { echo "$output"; exit 1; }
echo "$output" | grep -o "$report" | head -n 1 | grep .
END
    chmod 700 "$scratch/reported"
    compile "$asan" "$scratch/canary.c" "$scratch/canary" clang -fsanitize=address
    check "canary at rest" "$scratch/canary"
    check "canary reads behind a block" "$scratch/reported" ntlm_sspi_asan_canary 'AddressSanitizer: heap-buffer-overflow' "$scratch/canary" 24
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

# The programs that tests/cases.rs makes of the table of cases, by the functions' names for both families of characters.
generated() {
    local source name family
    NTLMSSPI_GENERATED=$scratch/generated cargo test -q -p ntlm-capi --test cases nearly_every_case >"$scratch/log" 2>&1 ||
        fail "the programs of the table are not made: $(tail -n 20 "$scratch/log")"
    for source in "$scratch"/generated/*.c; do
        name=$(basename "$source" .c)
        [[ $name != exempt ]] || continue
        for family in -DUNICODE -UUNICODE; do
            compile "$asan" "$source" "$scratch/table" clang -fsanitize=address,undefined -fno-sanitize-recover=all "$family" -I "$here/tests/c"
            check "table $name $family, AddressSanitizer and UndefinedBehaviorSanitizer" "$scratch/table" "$scratch/generated"
        done
    done
}

# What ThreadSanitizer cannot see because the standard library is not built with it. The fast ways through its locks are inlined into the library, and seen; these
# are not:
#
#   - who had to wait for a lock took it out of sight: everything that was done before the lock was released happened before that;
#   - who drops the last of several Arcs has a fence see to the others' being done, which ThreadSanitizer does not know; with it built in, the standard library
#     itself has the count say so instead.
#
# No race is forgiven by this: both are what these functions promise.
write_standard_library() {
    local place
    cat >"$scratch/standard_library.c" <<'END'
#include <stdint.h>
void __tsan_acquire(void *address);

#define WAITS(real, wrap)         \
    void real(void *lock);        \
    void wrap(void *lock)         \
    {                             \
        real(lock);               \
        __tsan_acquire(lock);     \
    }
WAITS(REAL_MUTEX, WRAP_MUTEX)
WAITS(REAL_READ, WRAP_READ)
WAITS(REAL_WRITE, WRAP_WRITE)

enum { RELEASE = 3, ACQUIRE_RELEASE = 4 };
uint64_t __real___tsan_atomic64_fetch_sub(volatile uint64_t *place, uint64_t value, int order);
uint64_t __wrap___tsan_atomic64_fetch_sub(volatile uint64_t *place, uint64_t value, int order)
{
    return __real___tsan_atomic64_fetch_sub(place, value, order == RELEASE ? ACQUIRE_RELEASE : order);
}
END
    wrapped=(-Wl,--wrap=__tsan_atomic64_fetch_sub)
    local flags=()
    for place in MUTEX:5mutex5futex:lock_contended READ:6rwlock5futex:read_contended WRITE:6rwlock5futex:write_contended; do
        local name=${place%%:*} module=${place#*:} found
        # By their mangled names, of either scheme.
        found=$(nm "$tsan" 2>/dev/null | grep -oE "_[RZ]\w*${module%:*}\w*[0-9]${place##*:}\w*" | sort -u || true)
        [[ -n $found && $found != *$'\n'* ]] || fail "the standard library's ${place##*:} is not what it was: '$found'"
        flags+=("-DREAL_$name=__real_$found" "-DWRAP_$name=__wrap_$found")
        wrapped+=("-Wl,--wrap=$found")
    done
    clang -std=c11 -O1 -Wall -Wextra "${flags[@]}" -c "$scratch/standard_library.c" -o "$scratch/standard_library.o"
}

# compile_tsan SOURCE PROGRAM
compile_tsan() {
    clang -fsanitize=thread -std=c11 -g -Wall -Wextra -I "$here/include" -c "$1" -o "$2.o"
    clang "$2.o" "$scratch/standard_library.o" "$tsan" "${wrapped[@]}" -Wl,--whole-archive "$tsan_runtime" -Wl,--no-whole-archive -Wl,--export-dynamic \
        -o "$2" -pthread -ldl -lm -lrt
}

thread_canary() {
    local report='ThreadSanitizer: data race'
    write_standard_library
    cat >"$scratch/thread_canary.c" <<'END'
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>
extern void ntlm_sspi_tsan_canary(size_t lock);
static size_t lock;
static void *add(void *barrier)
{
    int i;
    pthread_barrier_wait((pthread_barrier_t *)barrier);
    for (i = 0; i < 20000; i++) {
        ntlm_sspi_tsan_canary(lock);
    }
    return NULL;
}
int main(int argc, char **argv)
{
    pthread_t threads[8];
    pthread_barrier_t barrier;
    int i;
    lock = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    pthread_barrier_init(&barrier, NULL, 8);
    for (i = 0; i < 8; i++) {
        pthread_create(&threads[i], NULL, add, &barrier);
    }
    for (i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    puts("added");
    return 0;
}
END
    compile_tsan "$scratch/thread_canary.c" "$scratch/thread_canary"
    check "canary under a mutex" "$scratch/thread_canary" 0
    check "canary under a lock for readers and writers" "$scratch/thread_canary" 1
    check "canary under a mutex of each call's own" "$scratch/reported" ntlm_sspi_tsan_canary "$report" "$scratch/thread_canary" 2
    check "canary under no lock" "$scratch/reported" ntlm_sspi_tsan_canary "$report" "$scratch/thread_canary" 3
    ((failed == 0)) || fail "ThreadSanitizer does not see the library's threads as they are"
}

thread_sanitized() {
    local source name
    for source in "$here"/tests/c/*threads.c; do
        name=$(basename "$source" .c)
        compile_tsan "$source" "$scratch/$name-tsan"
        check "$name ${ROUNDS:-200}, ThreadSanitizer" "$scratch/$name-tsan" "${ROUNDS:-200}"
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
            *threads) arguments=(2) ;;
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
