#!/bin/sh
# What CI runs: builds ours, installs the counterparts, crosses them with one another, then with ours. Words pick checks by name.
set -eu
cd -- "$(dirname -- "$0")/.."

cargo build --quiet --release -p ntlm-cli -p ntlm-interop
interop/install.sh
interop/selftest.sh
release=${CARGO_TARGET_DIR:-target}/release
"$release/ntlm-interop" --ntlm "$release/ntlm" "$@"
[ $# -eq 0 ] || exit 0
interop/freerdp.sh
interop/http.sh
interop/load.sh
