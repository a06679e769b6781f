#!/bin/bash
# Installs the stdio counterparts on Debian or Ubuntu; quick when they are there already.
# INTEROP_VENV names the virtual environment (default: target/interop/venv in the repository).
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
venv=${INTEROP_VENV:-$here/../target/interop/venv}

packages=(
    winbind                      # ntlm_auth
    python3-samba                # Samba's NTLMSSP client with signing and sealing
    gss-ntlmssp                  # the GSSAPI mechanism
    libkrb5-dev gcc python3-dev  # to build python-gssapi
    python3-venv
)

main() {
    local missing
    missing=$(missing_packages)
    [[ -z $missing ]] || install_packages "$missing"
    has_venv || make_venv
    verify
}

missing_packages() {
    local package
    for package in "${packages[@]}"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) = installed ]] || printf '%s ' "$package"
    done
}

install_packages() {
    local as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "not root and no sudo; packages missing: $1"
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get -qq update
    # shellcheck disable=SC2086 # one word per package
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $1 >/dev/null ||
        fail "apt-get could not install: $1"
}

has_venv() {
    cmp -s "$here/requirements.txt" "$venv/requirements.txt" && "$venv/bin/python" -c '' 2>/dev/null
}

make_venv() {
    [[ ! -e $venv || -f $venv/pyvenv.cfg ]] || fail "$venv exists and is not a virtual environment"
    python3 -m venv --clear "$venv" 2>/dev/null || /usr/bin/python3 -m venv --clear "$venv" ||
        fail "no python3 makes a virtual environment in $venv"
    "$venv/bin/pip" --quiet --disable-pip-version-check install --no-deps --requirement "$here/requirements.txt" ||
        fail "pip could not install interop/requirements.txt"
    cp "$here/requirements.txt" "$venv/"
}

verify() {
    ntlm_auth --version >/dev/null || fail "ntlm_auth does not run"
    /usr/bin/python3 -c 'import samba.gensec' || fail "Samba's Python bindings do not load"
    "$venv/bin/python" - <<'PYTHON' || fail "a Python counterpart does not load"
import gssapi, impacket.ntlm, spnego

ntlmssp = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
if ntlmssp not in gssapi.raw.indicate_mechs():
    raise SystemExit("GSSAPI does not know the NTLMSSP mechanism: see /etc/gss/mech.d")
PYTHON
}

fail() {
    echo "interop/install.sh: $*" >&2
    exit 1
}

main
