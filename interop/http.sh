#!/bin/bash
# HTTP with programs that nobody here wrote: their clients against `ntlm serve`, and `ntlm http` against their servers and proxies.
#
#     interop/http.sh                    # installs what is missing, builds the command, a minute
#     interop/http.sh 'curl' 'https'     # those checks whose names contain all the words
#     INTEROP_KEEP=directory interop/http.sh      # leaves logs and the picture of the browser there
#
# Everything listens on 127.0.0.1 only, on ports that are free, and ends with the script.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=interop/lib.sh
. "$here/lib.sh"
venv=${INTEROP_VENV:-$here/../target/interop/venv}
packages=(curl wget openssl chromium apache2-bin libapache2-mod-auth-gssapi gss-ntlmssp squid winbind)

password='Al1ce-Passw0rd'
words=("$@")

main() {
    install_missing
    "$here/install.sh"
    find_command
    start_work
    # Squid's and Apache's own users read there.
    chmod 755 "$work"
    unset NTLM_CONFIG NTLM_USER_FILE NTLM_PASSWORD http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
    export HOME=$work LC_ALL=C.UTF-8
    make_accounts
    make_certificate
    start_origins

    serve_plain
    serve_tls
    serve_files
    serve_upstream
    their_proxy
    their_server

    echo "$passed passed, $failed failed"
    ((failed == 0 && passed > 0))
}

find_command() {
    (cd -- "$here/.." && cargo build --quiet --release -p ntlm-cli)
    ntlm=$(cd -- "$here/.." && realpath -- "${CARGO_TARGET_DIR:-target}/release/ntlm")
}

# The database, by the command as an administrator would.
make_accounts() {
    printf '%s\n' "EXAMPLE:alice:$password" 'EXAMPLE:bob:B0b-Passw0rd' 'EXAMPLE:Zoë:Pässw0rd' >"$work/accounts.txt"
    chmod 600 "$work/accounts.txt"
    "$ntlm" users --db "$work/accounts.db" import "$work/accounts.txt" >"$work/users.log" 2>&1 || fail "ntlm users import: $(cat "$work/users.log")"
}

make_certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -sha256 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
        -keyout "$work/key.pem" -out "$work/certificate.pem" 2>/dev/null
    chmod 644 "$work/key.pem"
}

# --- Servers

start_origins() {
    start origin.log "$venv/bin/python" "$here/peers/http_origin.py" PORT
    origin=127.0.0.1:$port
    start origin-tls.log "$venv/bin/python" "$here/peers/http_origin.py" PORT "$work/certificate.pem" "$work/key.pem"
    origin_tls=127.0.0.1:$port
}

serve() { # NAME OPTIONS...
    local name=$1
    shift
    audit=$work/$name.audit
    start "$name.log" "$ntlm" serve --db "$work/accounts.db" --listen 127.0.0.1:PORT --audit "$audit" --audit-format json "$@"
}

logons() { # how many were accepted
    grep -c '"decision":"accepted"' "$audit" || true
}

# --- Checks

wanted() { # NAME
    local word
    for word in "${words[@]}"; do
        [[ $1 = *"$word"* ]] || return 1
    done
}

# The command's output must contain the pattern (of `[[`), and its exit status be as told.
check() { # NAME STATUS PATTERN COMMAND...
    local name=$1 expected=$2 pattern=$3 status=0 said
    shift 3
    wanted "$name" || return 0
    said=$("$@" 2>"$work/stderr" </dev/null | tr -d '\0') || status=$?
    verdict "$name" "$([[ $expected = '*' || $status = "$expected" ]] || echo "exit status $status, not $expected; ")$(
        # shellcheck disable=SC2053 # a pattern
        [[ $said = $pattern ]] || echo "output is not like $pattern")" "$said"
}

verdict() { # NAME PROBLEM OUTPUT
    if [[ -z $2 ]]; then
        passed=$((passed + 1))
        echo "ok   $1"
    else
        failed=$((failed + 1))
        echo "FAIL $1: $2"
        sed 's/^/     said: /' <<<"$3" | head -n 20
        sed 's/^/     stderr: /' "$work/stderr" | tail -n 20
    fi
    [[ -z ${INTEROP_KEEP:-} ]] || { mkdir -p "$INTEROP_KEEP" && cp -f "$work"/*.log "$work"/*.audit "$INTEROP_KEEP/" 2>/dev/null; } || true
}

same() { # NAME EXPECTED FOUND
    wanted "$1" || return 0
    : >"$work/stderr"
    verdict "$1" "$([[ $2 = "$3" ]] || echo "$3, not $2")" ''
}

with_curl() {
    curl --silent --show-error --insecure --max-time 30 "$@"
}

status_of() {
    with_curl --output /dev/null --write-out '%{http_code}\n' "$@"
}

python_client() {
    timeout 60 "$venv/bin/python" "$here/peers/http_client.py" "$@"
}

# --- Their clients, our server

serve_plain() {
    serve plain
    local url=http://127.0.0.1:$port/
    check 'curl -> ours: alice is let in' 0 '*alice*' with_curl --ntlm -u "alice:$password" "$url"
    check 'curl -> ours: a domain may be given' 0 '*alice*' with_curl --ntlm -u "EXAMPLE\\alice:$password" "$url"
    check 'curl -> ours: --anyauth finds NTLM' 0 '*alice*' with_curl --anyauth -u "alice:$password" "$url"
    # It makes a letter of each byte.
    check 'curl -> ours: letters outside ASCII are refused, it cannot send them' 0 401 status_of --ntlm -u 'EXAMPLE\Zoë:Pässw0rd' "$url"
    check 'curl -> ours: a wrong password is refused' 0 401 status_of --ntlm -u alice:wrong "$url"
    check 'curl -> ours: an unknown user is refused' 0 401 status_of --ntlm -u "mallory:$password" "$url"
    check 'curl -> ours: another domain is refused' 0 401 status_of --ntlm -u "OTHER\\alice:$password" "$url"
    check 'curl -> ours: nobody is refused' 0 401 status_of "$url"
    check 'curl -> ours: HTTP/2 is refused' '*' '*' refuses_http2 "$url"
    local before
    before=$(logons)
    check 'curl -> ours: one logon serves a connection' 0 '*alice*alice*alice*' with_curl --ntlm -u "alice:$password" "$url" "$url" "$url"
    same 'curl -> ours: one logon was recorded' $((before + 1)) "$(logons)"
    check 'curl -> ours: two users in one client are two' 0 '*alice*bob*alice*' \
        with_curl --ntlm -u "alice:$password" "$url" --next -s --ntlm -u 'bob:B0b-Passw0rd' "$url" --next -s --ntlm -u "alice:$password" "$url"
    # NTLMv1 is all that it has, and it says UNICODE where it sends OEM.
    check 'wget -> ours: refused, it has NTLMv1 only' 6 '' wget -q -O - --tries=1 --user=alice --password="$password" "$url"
    check 'requests_ntlm -> ours: alice is let in' 0 '200 *alice*' python_client requests "$url" 'EXAMPLE\alice' "$password"
    check 'requests_ntlm -> ours: letters outside ASCII' 0 '200 *Zoë*' python_client requests "$url" 'EXAMPLE\Zoë' 'Pässw0rd'
    check 'requests_ntlm -> ours: a wrong password is refused' 0 '401 *' python_client requests "$url" 'EXAMPLE\alice' wrong
    check 'pyspnego -> ours: alice is let in' 0 '200 *alice*' python_client pyspnego "$url" 'EXAMPLE\alice' "$password"
    check 'ours -> ours: alice is let in' 0 '*alice*' our_client -u 'EXAMPLE\alice' "$url"
    check 'ours -> ours: letters outside ASCII' 0 '*Zoë*' other_client 'Pässw0rd' -u 'EXAMPLE\Zoë' "$url"
    end "$process"
}

# By the framing, or by a status of the 400s and up: never a page.
refuses_http2() { # URL
    local status
    status=$(status_of --http2-prior-knowledge --ntlm -u "alice:$password" "$1") || return 0
    ((status >= 400))
}

serve_tls() {
    local secure=(--cert "$work/certificate.pem" --key "$work/key.pem")
    serve tls "${secure[@]}"
    local url=https://127.0.0.1:$port/
    check 'curl -> ours, https: alice is let in' 0 '*alice*' with_curl --ntlm -u "alice:$password" "$url"
    check 'curl -> ours, https: a wrong password is refused' 0 401 status_of --ntlm -u alice:wrong "$url"
    check 'pyspnego -> ours, https: bindings of another certificate are refused' 0 '401 *' \
        python_client pyspnego "$url" 'EXAMPLE\alice' "$password" --bindings wrong
    end "$process"

    serve epa "${secure[@]}" --epa required
    url=https://127.0.0.1:$port/
    check 'curl -> ours, bindings required: refused, it sends none' 0 401 status_of --ntlm -u "alice:$password" "$url"
    check 'requests_ntlm -> ours, bindings required: alice is let in' 0 '200 *alice*' python_client requests "$url" 'EXAMPLE\alice' "$password"
    check 'requests_ntlm -> ours, bindings required: refused without them' 0 '401 *' \
        python_client requests "$url" 'EXAMPLE\alice' "$password" --bindings none
    check 'pyspnego -> ours, bindings required: alice is let in' 0 '200 *alice*' python_client pyspnego "$url" 'EXAMPLE\alice' "$password"
    check 'pyspnego -> ours, bindings required: refused without them' 0 '401 *' \
        python_client pyspnego "$url" 'EXAMPLE\alice' "$password" --bindings none
    check 'ours -> ours, bindings required: alice is let in' 0 '*alice*' our_client -k -u 'EXAMPLE\alice' "$url"
    end "$process"
}

serve_files() {
    mkdir "$work/files"
    cat >"$work/files/index.html" <<'HTML'
<!doctype html><html lang="en"><title>Behind NTLM</title><body style="font: 2em sans-serif; background: #efe"><h1>Behind NTLM</h1><img src="picture.svg" alt="">
HTML
    cat >"$work/files/picture.svg" <<'SVG'
<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100"><rect width="200" height="100" fill="green"/></svg>
SVG
    head -c 3000000 /dev/urandom >"$work/files/large"
    serve files --dir "$work/files"
    local url=http://127.0.0.1:$port browser=(timeout -k 5 90 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser")
    check 'Chromium -> ours: the page is shown' 0 '*<h1>Behind NTLM</h1>*' "${browser[@]}" --virtual-time-budget=5000 \
        --dump-dom "http://alice:$password@127.0.0.1:$port/"
    check 'Chromium -> ours: the page is not shown to a wrong password' '*' '!(*Behind NTLM*)' "${browser[@]}" --virtual-time-budget=5000 \
        --dump-dom "http://alice:wrong@127.0.0.1:$port/"
    check 'Chromium -> ours: a picture can be taken' 0 '*' "${browser[@]}" --window-size=800,600 --screenshot="$work/page.png" \
        "http://alice:$password@127.0.0.1:$port/"
    [[ -z ${INTEROP_KEEP:-} || ! -f $work/page.png ]] || cp "$work/page.png" "$INTEROP_KEEP/"
    check 'curl -> ours: a file arrives as it is' 0 "$(sha256sum <"$work/files/large")" downloaded with_curl --ntlm -u "alice:$password" "$url/large"
    check 'ours -> ours: a file arrives as it is' 0 "$(sha256sum <"$work/files/large")" downloaded our_client -u 'EXAMPLE\alice' "$url/large"
    end "$process"
}

downloaded() {
    "$@" | sha256sum
}

serve_upstream() {
    serve upstream --upstream "http://$origin"
    local url=http://127.0.0.1:$port/page before
    check 'curl -> ours -> upstream: the user is passed on' 0 '*"x-remote-user": *alice*' with_curl --ntlm -u "alice:$password" "$url"
    check 'curl -> ours -> upstream: a user of the client is not' 0 '!(*mallory*)' \
        with_curl --ntlm -u "alice:$password" -H 'X-Remote-User: mallory' -H 'X_Remote_User: mallory' "$url"
    check 'curl -> ours -> upstream: credentials are not passed on' 0 '!(*authorization*)' with_curl --ntlm -u "alice:$password" "$url"
    before=$(with_curl "http://$origin/count")
    check 'curl -> ours -> upstream: a body arrives' 0 '*"body": "amount=1000", "length": 11*' \
        with_curl --ntlm -u "alice:$password" -d amount=1000 "$url"
    same 'curl -> ours -> upstream: and is executed once' "$((${before//[!0-9]/} + 1))" "$(with_curl "http://$origin/count" | tr -cd 0-9)"
    check 'curl -> ours -> upstream: a large body arrives' 0 '*"length": 3000000*' \
        with_curl --ntlm -u "alice:$password" -T "$work/files/large" "$url"
    check 'requests_ntlm -> ours -> upstream: a body arrives' 0 '*"body": "amount=1000"*' \
        python_client requests "$url" 'EXAMPLE\alice' "$password" --method POST --data amount=1000
    check 'ours -> ours -> upstream: a body arrives' 0 '*"body": "amount=1000"*' our_client -u 'EXAMPLE\alice' -d amount=1000 "$url"
    end "$process"
}

# --- Our client, their servers

our_client() {
    NTLM_PASSWORD=${secret:-$password} timeout 60 "$ntlm" http "$@"
}

other_client() { # PASSWORD ...
    secret=$1 our_client "${@:2}"
}

wrong_client() {
    other_client wrong "$@"
}

start_squid() { # NAME NTLM_AUTH COMMAND
    local name=$1
    shift
    mkdir "$work/$name"
    chmod 777 "$work/$name"
    start_squid_with() { # PORT is in its configuration
        sed "s/PORT/$1/" >"$work/$name/squid.conf" <<X
http_port 127.0.0.1:PORT
pid_filename none
access_log none
cache_log $work/$name/cache.log
cache deny all
coredump_dir $work/$name
netdb_filename none
auth_param ntlm program $helper
auth_param ntlm children 2 startup=1 idle=1
auth_param ntlm keep_alive on
acl authed proxy_auth REQUIRED
http_access allow authed
http_access deny all
shutdown_lifetime 0 seconds
X
        exec squid -N -f "$work/$name/squid.conf"
    }
    helper="$*"
    start "$name.log" start_squid_with PORT
    proxy=127.0.0.1:$port
}

their_proxy() {
    # Squid runs helpers as user proxy.
    start_squid squid /usr/bin/ntlm_auth --helper-protocol=squid-2.5-ntlmssp "--password=$password"
    local squid=$process
    check 'curl -> Squid: the proxy works' 0 '*"path"*' with_curl --proxy-ntlm -U "EXAMPLE\\alice:$password" -x "http://$proxy" "http://$origin/x"
    check 'ours -> Squid: through the proxy' 0 '*"path": "/x"*' our_client -x "http://$proxy" -U 'EXAMPLE\alice' "http://$origin/x"
    check 'ours -> Squid: a body goes through' 0 '*"body": "amount=1000"*' our_client -x "http://$proxy" -U 'EXAMPLE\alice' -d amount=1000 "http://$origin/x"
    check 'ours -> Squid: CONNECT' 0 '*"path": "/x"*' our_client -k -x "http://$proxy" -U 'EXAMPLE\alice' "https://$origin_tls/x"
    check 'ours -> Squid: a wrong password is refused' 1 '*' wrong_client -x "http://$proxy" -U 'EXAMPLE\alice' "http://$origin/x"
    check 'ours -> Squid: a wrong password is refused at CONNECT' 1 '*' wrong_client -k -x "http://$proxy" -U 'EXAMPLE\alice' "https://$origin_tls/x"
    check 'ours -> Squid: the proxy does not ask twice' 0 '*"path"*' our_client -x "http://$proxy" -U 'EXAMPLE\alice' "http://$origin/x"

    serve behind --cert "$work/certificate.pem" --key "$work/key.pem" --epa required
    check 'ours -> Squid -> ours, bindings required: both ask' 0 '*alice*' \
        our_client -k -x "http://$proxy" -U 'EXAMPLE\alice' -u 'EXAMPLE\alice' "https://127.0.0.1:$port/"
    end "$process"
    end "$squid"

    # Squid with our helper, which must be able to read the file.
    mkdir "$work/helper"
    cp "$ntlm" "$work/helper/ntlm"
    cp "$work/accounts.txt" "$work/helper/accounts"
    chmod 755 "$work/helper"
    chmod 640 "$work/helper/accounts"
    ((EUID != 0)) || chgrp proxy "$work/helper/accounts"
    start_squid squid-ours "$work/helper/ntlm" auth --helper-protocol=squid-2.5-ntlmssp "--user-file=$work/helper/accounts"
    check 'curl -> Squid with our helper: alice goes through' 0 '*"path"*' \
        with_curl --proxy-ntlm -U "EXAMPLE\\alice:$password" -x "http://$proxy" "http://$origin/x"
    check 'curl -> Squid with our helper: a wrong password is refused' 0 407 \
        status_of --proxy-ntlm -U 'EXAMPLE\alice:wrong' -x "http://$proxy" "http://$origin/x"
    check 'ours -> Squid with our helper: alice goes through' 0 '*"path"*' our_client -x "http://$proxy" -U 'EXAMPLE\alice' "http://$origin/x"
    end "$process"
}

their_server() {
    local root=$work/apache
    mkdir -p "$root"
    printf '%s\n' "EXAMPLE:alice:$password" ":alice:$password" >"$root/users"
    start apache.log apache "$root" PORT -X
    local url=http://127.0.0.1:$port/secret/
    check 'ours -> Apache: alice is let in' 0 'secret page' our_client -u 'EXAMPLE\alice' "$url"
    check 'ours -> Apache: a wrong password is refused' 1 '*' wrong_client -u 'EXAMPLE\alice' "$url"
    check 'ours -> Apache: nobody is refused' 1 '*' "$ntlm" http "$url"
    check 'requests_ntlm -> Apache: the server works' 0 '200 *secret page*' python_client requests "$url" 'EXAMPLE\alice' "$password"
    end "$process"
}

shopt -s extglob
main
