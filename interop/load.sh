#!/bin/bash
# `ntlm serve` under load and under kill -9, and beside Apache with mod_auth_gssapi over gss-ntlmssp.
#
#     interop/load.sh                    # two minutes
#     LOAD_SECONDS=10 interop/load.sh    # the long part shorter
#
# 1,000 connections log on again and again without one failure, and the server's memory stays; more half-open logons than allowed are turned away, and
# cost no memory; a server and a `ntlm users` that are killed at any moment lose nothing that was confirmed. All on 127.0.0.1; ends by itself.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=interop/lib.sh
. "$here/lib.sh"
packages=(apache2-bin libapache2-mod-auth-gssapi gss-ntlmssp sqlite3)
seconds=${LOAD_SECONDS:-60}
export INTEROP_PASSWORD='Al1ce-Passw0rd'

main() {
    install_missing
    (cd -- "$here/.." && cargo build --quiet --release -p ntlm-cli -p ntlm-interop)
    release=$(cd -- "$here/.." && realpath -- "${CARGO_TARGET_DIR:-target}/release")
    start_work
    chmod 755 "$work"
    unset NTLM_CONFIG NTLM_USER_FILE
    export HOME=$work LC_ALL=C.UTF-8
    database=$work/accounts.db
    {
        printf 'EXAMPLE:alice:%s\n' "$INTEROP_PASSWORD"
        seq -f 'EXAMPLE:user%.0f:B0b-Passw0rd' 1000
    } >"$work/accounts.txt"
    chmod 600 "$work/accounts.txt"
    users import "$work/accounts.txt" >"$work/users.log" 2>&1 || fail "import: $(cat "$work/users.log")"

    many_logons
    beside_apache
    half_open
    killed
    echo "$passed passed, $failed failed"
    ((failed == 0))
}

users() {
    "$release/ntlm" users --db "$database" "$@"
}

serve() { # OPTIONS...
    start serve.log "$release/ntlm" serve --db "$database" --listen 127.0.0.1:PORT --audit "${audit:-$work/audit}" --audit-format json "$@"
    url=http://127.0.0.1:$port/
}

load() { # OPTIONS...
    timeout -k 5 $((seconds + 120)) "$release/ntlm-load" "$url" 'EXAMPLE\alice' "$@"
}

number() { # NAME, of a line of JSON
    grep -o "\"$1\": *[0-9]*" | grep -o '[0-9]*$'
}

# Kilobytes: what the process holds now, or (VmHWM) at most held.
memory() { # VmRSS|VmHWM
    awk -v name="$1:" '$1 == name { print $2 }' "/proc/$process/status"
}

many_logons() {
    serve
    load --connections 1000 --seconds 2 >/dev/null || true
    local before said
    before=$(memory VmRSS)
    if said=$(load --connections 1000 --seconds "$seconds"); then
        told "1,000 connections, $seconds s, no failure" true "$said"
    else
        told "1,000 connections, $seconds s, no failure" false "$said"
    fi
    local after
    after=$(memory VmRSS)
    # What an allocator keeps of a busy moment may differ; what is lost per logon would be hundreds of megabytes.
    told "memory stays" "((after < before + 32 * 1024))" "$((before / 1024)) MiB before, $((after / 1024)) MiB after, $(($(memory VmHWM) / 1024)) MiB at most"
    told 'each logon has its record' "(($(wc -l <"$work/audit") >= $(number logons <<<"$said")))" ''
    end "$process"
}

beside_apache() {
    local ours=() theirs=() round url ours_url
    audit=/dev/null serve
    local ours_process=$process
    ours_url=$url
    mkdir "$work/apache"
    printf 'EXAMPLE:alice:%s\n' "$INTEROP_PASSWORD" >"$work/apache/users"
    start apache.log apache "$work/apache" PORT -D FOREGROUND
    local apache_url=http://127.0.0.1:$port/secret/
    for round in 1 2 3 4 5; do
        url=$ours_url
        ours+=("$(load --connections 8 --seconds 2 --fresh | number logons_per_second)")
        url=$apache_url
        theirs+=("$(load --connections 8 --seconds 2 --fresh | number logons_per_second)")
    done
    end "$process"
    end "$ours_process"
    local ours_median theirs_median
    ours_median=$(printf '%s\n' "${ours[@]}" | sort -n | sed -n 3p)
    theirs_median=$(printf '%s\n' "${theirs[@]}" | sort -n | sed -n 3p)
    # A figure for people; a machine that is busy with other things must not fail for it.
    told 'Apache lets alice in, too' "((theirs_median > 0))" \
        "new connections, logons per second: ours $ours_median, Apache with gss-ntlmssp $theirs_median, ratio $(awk "BEGIN { printf \"%.1f\", $ours_median / ($theirs_median + 0.001) }")"
}

half_open() {
    # A quarter of them from one address.
    serve --max-half-open 2000
    mkfifo "$work/go"
    local said before after
    before=$(memory VmRSS)
    load --half-open 3000 <"$work/go" >"$work/half-open" &
    local client=$!
    started+=("$client")
    exec 4>"$work/go"
    for _ in $(seq 600); do
        [[ ! -s $work/half-open ]] || break
        sleep 0.1
    done
    said=$(cat "$work/half-open")
    after=$(memory VmRSS)
    told 'no more half-open logons than allowed' "[[ '$said' = *'\"401\": 500'*'\"503\": 2500'* ]]" "$said"
    told 'half-open logons cost little' "((after < before + 64 * 1024))" "$((before / 1024)) MiB before, $((after / 1024)) MiB with 3,000 connections"
    # They are gone with their connections.
    echo >&4
    exec 4>&-
    wait "$client"
    sleep 0.5
    told 'and then others log on' "load --connections 10 --seconds 1 >/dev/null" ''
    end "$process"
}

killed() {
    local round writer confirmed=0
    : >"$work/confirmed"
    for round in 1 2 3 4 5 6 7 8; do
        serve
        load --connections 50 --seconds 1 >/dev/null 2>&1 &
        local client=$!
        started+=("$client")
        (
            for i in $(seq 100000); do
                echo 'N3w-Passw0rd' | users add "EXAMPLE\\new$round-$i" >/dev/null 2>&1 || exit
                echo "new$round-$i" >>"$work/confirmed"
            done
        ) &
        writer=$!
        started+=("$writer")
        sleep "0.$((RANDOM % 6 + 3))"
        # The shell first, which would begin the next one.
        kill -KILL "$writer" "$process" $(pgrep -P "$writer" || true) 2>/dev/null || true
        wait "$writer" "$process" 2>/dev/null || true
        wait "$client" 2>/dev/null || true
    done
    confirmed=$(wc -l <"$work/confirmed")
    users list --json >"$work/list" 2>"$work/users.log"
    told 'the database is intact' "[[ $(sqlite3 "$database" 'PRAGMA integrity_check') = ok ]]" "$confirmed accounts were confirmed"
    told 'every confirmed account is there' "((confirmed > 0)) && ! grep -vFf <(grep -o 'new[0-9]-[0-9]*' '$work/list') '$work/confirmed' >/dev/null" ''
    serve
    told 'and the server goes on' "load --connections 10 --seconds 1 >/dev/null" ''
    end "$process"
}

told() { # NAME CONDITION DETAIL
    if eval "$2"; then
        passed=$((passed + 1))
        echo "ok   $1${3:+: $3}"
    else
        failed=$((failed + 1))
        echo "FAIL $1${3:+: $3}"
    fi
}

main
