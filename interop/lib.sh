# What the scripts here share; sourced by them. Each sets `packages` and calls `start_work` first; `passed`, `failed` and `started` are counted here.

passed=0
failed=0
started=()

# Installs those of `packages` that are missing.
install_missing() {
    local missing=() package as_root=()
    for package in "${packages[@]}"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) = installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "not root and no sudo; packages missing: ${missing[*]}"
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get -qq update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null ||
        fail "apt-get could not install: ${missing[*]}"
}

# A directory of its own, that goes with everything that was started.
start_work() {
    work=$(mktemp -d)
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

listens() { # PORT
    grep -qi ":$(printf %04X "$1") [0-9A-F:]* 0A" /proc/net/tcp
}

free_port() {
    local port
    for port in $(shuf -n 50 -i 20000-29999); do
        listens "$port" || { echo "$port" && return; }
    done
    fail 'no free port'
}

# Waits until somebody listens, a minute at most: FreeRDP's server makes its key first. Fails when that is not going to happen.
wait_for_port() { # PORT PID
    local i
    for ((i = 0; i < 600; i++)); do
        ! listens "$1" || return 0
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# Sets `port` and `process`.
start() { # LOG COMMAND... ; PORT in it is replaced
    local log=$1 attempt
    shift
    for attempt in 1 2 3; do
        port=$(free_port)
        "${@//PORT/$port}" >"$work/$log" 2>&1 </dev/null &
        process=$!
        started+=($!)
        wait_for_port "$port" "$process" && return 0
    done
    fail "$1 does not start: $(cat "$work/$log")"
}

# Apache in DIRECTORY, whose file `users` says who may see /secret/. Further options are Apache's; those that keep it in the foreground are needed.
apache() { # DIRECTORY PORT OPTIONS...
    local root=$1 port=$2 modules=/usr/lib/apache2/modules module
    shift 2
    mkdir -p "$root/www/secret" "$root/run"
    echo 'secret page' >"$root/www/secret/index.html"
    chmod 644 "$root/users"
    {
        printf '%s\n' 'ServerName localhost' "ServerRoot $root" "DefaultRuntimeDir $root/run" "PidFile $root/run/pid" "Listen 127.0.0.1:$port"
        for module in mpm_prefork authn_core authz_core authz_user dir; do
            [[ ! -e $modules/mod_$module.so ]] || echo "LoadModule ${module}_module $modules/mod_$module.so"
        done
        ((EUID != 0)) || printf '%s\n' 'User www-data' 'Group www-data'
        cat <<X
LoadModule auth_gssapi_module $modules/mod_auth_gssapi.so
ErrorLog $root/error.log
DocumentRoot $root/www
KeepAlive On
<Location /secret>
  AuthType GSSAPI
  AuthName "interop"
  GssapiAllowedMech ntlmssp
  GssapiConnectionBound On
  Require valid-user
</Location>
X
    } >"$root/httpd.conf"
    # At its end it ends its whole group of processes.
    exec setsid env NTLM_USER_FILE="$root/users" NETBIOS_COMPUTER_NAME=WEB1 NETBIOS_DOMAIN_NAME=EXAMPLE apache2 "$@" -f "$root/httpd.conf"
}

end() { # PID of ours
    local i
    kill "$1" 2>/dev/null || return 0
    for ((i = 0; i < 50; i++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
}

clean_up() {
    local pid
    for pid in "${started[@]}"; do
        # A number of a process that is no longer our child may be another's.
        [[ $(cut -d' ' -f4 "/proc/$pid/stat" 2>/dev/null) != "$$" ]] || end "$pid"
    done
    wait
    rm -rf --one-file-system "$work"
}

fail() {
    echo "$0: $*" >&2
    exit 1
}
