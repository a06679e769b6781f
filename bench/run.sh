#!/usr/bin/env bash
# Builds the peers from their registries and ours from here, lets all of them work in turn, and writes BENCHMARKS.md, bench/results.json and bench/sealing.svg.
#
#     bench/run.sh             # nine rounds, twenty-five minutes; on a quiet machine with Debian or Ubuntu, Rust, and root or sudo
#     bench/run.sh --quick     # one round, to see that all works: writes to target/bench/quick/ and leaves the repository alone
#     bench/run.sh --rounds 15 --milliseconds 500
#
# sspi comes from the cargo registry, WinPR and gss-ntlmssp from Debian, pyspnego from PyPI. What is missing is installed.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname -- "$here")
# shellcheck source=interop/lib.sh
. "$root/interop/lib.sh"
packages=(gcc libc6-dev pkg-config libwinpr2-dev gss-ntlmssp libkrb5-dev libssl-dev openssl python3-venv)

CARGO_TARGET_DIR=$(realpath -m -- "${CARGO_TARGET_DIR:-$root/target}")
export CARGO_TARGET_DIR
# What the caller set must not leak into a peer.
unset NTLM_CONFIG NTLM_USER_FILE LD_PRELOAD LD_LIBRARY_PATH RUSTFLAGS CFLAGS "${!WLOG_@}"
bin=$CARGO_TARGET_DIR/bench
venv=$bin/venv

main() {
    install_missing
    mkdir -p "$bin"
    make_venv
    build
    python3 "$here/measure.py" --bin "$bin" "$@"
}

# The versions with which interop/ runs.
make_venv() {
    local wanted
    wanted=$(grep -E '^(pyspnego|cryptography|cffi|pycparser)==' "$root/interop/requirements.txt")
    [[ -x $venv/bin/python && $(cat "$venv/requirements.txt" 2>/dev/null) = "$wanted" ]] && return 0
    python3 -m venv --clear "$venv" 2>/dev/null || /usr/bin/python3 -m venv --clear "$venv" || fail "no python3 makes a virtual environment in $venv"
    echo "$wanted" >"$venv/wanted.txt"
    "$venv/bin/pip" --quiet --disable-pip-version-check install --no-deps --requirement "$venv/wanted.txt" || fail 'pip could not install pyspnego'
    mv "$venv/wanted.txt" "$venv/requirements.txt"
}

# Each Rust peer by itself: no dependency of one switches on a feature of another's.
build() {
    local package flags=(-std=gnu11 -O2 -Wall -Wextra -Werror -pthread)
    cd -- "$root"
    cargo build --quiet --release --locked -p ntlm-cli
    # By itself, as cargo-c makes it.
    cargo rustc --quiet --release --locked -p ntlm-capi --lib --crate-type cdylib
    for package in bench-ours bench-sspi; do
        cargo build --quiet --release --locked --manifest-path bench/rust/Cargo.toml --target-dir "$bin/rust" -p "$package"
    done
    gcc "${flags[@]}" bench/c/sspi.c -I crates/capi/include -o "$bin/c-table" \
        -L "$CARGO_TARGET_DIR/release" -lntlmsspi -Wl,-rpath,"$CARGO_TARGET_DIR/release"
    # shellcheck disable=SC2046 # pkg-config prints words
    gcc "${flags[@]}" -DWINPR bench/c/sspi.c -o "$bin/winpr" $(pkg-config --cflags --libs winpr2)
    gcc "${flags[@]}" bench/c/gss.c -o "$bin/gss-ntlmssp" -lgssapi_krb5
    gcc "${flags[@]}" bench/c/openssl.c -o "$bin/openssl" -lcrypto
}

main "$@"
