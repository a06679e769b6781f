#!/usr/bin/env bash
# Installs the C library into a prefix with cargo-c, as a packager would, and uses it as a program would: the examples are built through pkg-config,
# dynamically and statically, and log on to each other. usage: crates/capi/installed.sh [PREFIX]
# Needs cc, pkg-config, mingw-w64 (both installed when missing) and cargo-c 0.10 (built once and kept by the machine when it is not there).
set -euo pipefail
cd "$(dirname "$0")/../.."
prefix=$(realpath -m "${1:-target/prefix}")
passed=0 failed=0
check() {
  local name=$1
  shift
  if "$@"; then passed=$((passed + 1)) && echo "ok   $name"; else failed=$((failed + 1)) && echo "FAIL $name"; fi
}

command -v pkg-config >/dev/null && command -v x86_64-w64-mingw32-gcc >/dev/null || {
  apt-get update -q && apt-get install -qy --no-install-recommends pkg-config gcc-mingw-w64-x86-64-win32 mingw-w64-x86-64-dev
}
command -v cargo-cinstall >/dev/null || cargo install --locked cargo-c --version 0.10.24
rm -rf "$prefix"
cargo cinstall --locked --release -p ntlm-capi --prefix "$prefix" --libdir lib --target-dir "${CARGO_C_TARGET:-target/cargo-c}"

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(umask 077 && printf 'EXAMPLE:alice:Passw0rd!\n' >"$work/users")

# build NAME SOURCE static|shared
build() {
  local libraries
  if [[ $3 = static ]]; then
    libraries="$prefix/lib/libntlmsspi.a $(pkg-config --libs-only-l --static ntlmsspi | sed 's/-lntlmsspi//')"
  else
    libraries="$(pkg-config --libs ntlmsspi) -Wl,-rpath,$prefix/lib"
  fi
  # shellcheck disable=SC2046,SC2086
  cc -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Werror $(pkg-config --cflags ntlmsspi) "$2" -o "$work/$1" $libraries
}

# log_on STYLE KIND: the example client against the example server; both must end well.
log_on() {
  local port server
  : >"$work/server.out"
  NTLM_USER_FILE=$work/users "$work/server-$2" $1 0 1 >"$work/server.out" &
  server=$!
  for _ in $(seq 100); do
    port=$(sed -n 's/^port //p' "$work/server.out")
    [[ -n $port ]] && break
    sleep 0.05
  done
  NTLM_USER_FILE=$work/users timeout 20 "$work/client-$2" $1 127.0.0.1 "$port" EXAMPLE alice 'Passw0rd!' 'a line' && wait "$server" || { kill "$server" 2>/dev/null; cat "$work/server.out"; return 1; }
}

# Sizes, places and values are those of another party's header for Windows.
mingw() { x86_64-w64-mingw32-gcc -std=c11 -fsyntax-only crates/capi/tests/c/abi.c; }
check "the ABI is that of mingw-w64's sspi.h" mingw
sonames() { readelf -d "$prefix/lib/libntlmsspi.so" | grep -q 'SONAME.*libntlmsspi\.so\.0'; }
check "the library has a SONAME" sonames
# The bound of size.sh, which builds without cargo-c.
small() { strip -o "$work/stripped.so" "$prefix/lib/libntlmsspi.so" && (($(stat -c %s "$work/stripped.so") <= 2000000)); }
check "the library has at most 2,000,000 bytes, stripped" small
for kind in shared static; do
  check "the examples compile, $kind" build "server-$kind" crates/capi/examples/c/server.c "$kind"
  check "the client compiles, $kind" build "client-$kind" crates/capi/examples/c/client.c "$kind"
  check "a logon with the caller's buffers, $kind" log_on "" "$kind"
  check "a logon with allocated buffers, $kind" log_on -a "$kind"
done
tests() { NTLMSSPI_PREFIX=$prefix cargo test --locked --quiet -p ntlm-capi; }
check "the C tests, against what is installed" tests
echo "$passed passed, $failed failed"
((failed == 0))
