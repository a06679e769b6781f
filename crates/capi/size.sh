#!/usr/bin/env bash
# Builds the shared library by itself, as cargo-c does, with SQLite and without, and holds its size, stripped, to what it may be. usage: crates/capi/size.sh
# (`cargo build` makes a library for Rust beside it, which the tests use, and then optimises none of them when linking: 30 kB more.)
set -euo pipefail
cd "$(dirname "$0")/../.."
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
failed=0

# hold NAME BYTES [FEATURES...]
hold() {
  local name=$1 bound=$2 size
  shift 2
  cargo rustc --quiet --locked --release -p ntlm-capi --lib --crate-type cdylib "$@"
  strip -o "$stripped" "${CARGO_TARGET_DIR:-target}/release/libntlmsspi.so"
  size=$(stat -c %s "$stripped")
  echo "libntlmsspi.so, stripped, $name: $size bytes of $bound"
  if ((size > bound)); then failed=1 && echo "FAIL it is $((size - bound)) bytes too large" >&2; fi
}

hold "without SQLite" 1000000 --no-default-features
# Last, so that this is the library that stays.
hold "with SQLite" 2000000
((failed == 0))
