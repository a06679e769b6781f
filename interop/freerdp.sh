#!/bin/bash
# FreeRDP 2 as Debian ships it logs on through libntlmsspi.so: as client, as server, and both.
#
#     interop/freerdp.sh                             # installs what is missing, builds the library, two minutes at most
#     LIBNTLMSSPI=path/libntlmsspi.so interop/freerdp.sh
#     FREERDP_KEEP=directory interop/freerdp.sh      # leaves all logs there
#
# FreeRDP's server demands SEC_E_OK of ImpersonateSecurityContext, which the library says only where its configuration wants it: NTLM_CONFIG with
# dangerous_impersonation_without_effect. What the server does without that is checked, too.
#
# The stock server knows alice by a SAM file, ours by an account file, under another password: who lets her in with which one has decided itself.
# The module's place in the server is a file under /etc, so that every server has an /etc of its own, in a mount namespace; the machine's stays as it
# is. Everything listens on 127.0.0.1 only.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=interop/lib.sh
. "$here/lib.sh"
packages=(freerdp2-x11 freerdp2-shadow-x11 winpr-utils xvfb)

sam_password='S4m-Passw0rd!'
file_password='F1le-Passw0rd!'

main() {
    install_missing
    find_library
    start_work
    # What the caller set must not leak into either side.
    unset NTLM_CONFIG NTLM_USER_FILE LD_PRELOAD "${!WLOG_@}"
    export WLOG_LEVEL=INFO LC_ALL=C.UTF-8
    make_accounts
    start_display
    echo "$(xfreerdp --version | head -n 1); $library"

    with_server stock
    check_logons stock stock
    check_logons ours stock
    end_server

    with_server ours
    check_logons stock ours
    check_logons ours ours
    # FreeRDP says "this is a hash" by adding 512 to the password's length: nothing may be read there.
    check ours 'hash for a password refused' refused SEC_E_UNKNOWN_CREDENTIALS /u:alice /p:unused "/pth:$(nt_hash "$file_password")"
    end_server

    # Without the switch the logon itself succeeds: another reason would be told otherwise.
    with_server ours-alone
    check stock 'right password goes as far as impersonation' refused SEC_E_NO_IMPERSONATION /u:alice "/p:$file_password"
    check stock 'wrong password refused' refused SEC_E_LOGON_DENIED /u:alice "/p:$sam_password"
    end_server

    with_server ours-without-accounts
    check stock 'refused where there are no accounts' refused SEC_E_NO_AUTHENTICATING_AUTHORITY /u:alice "/p:$sam_password"
    end_server

    echo "$passed passed, $failed failed"
    ((failed == 0))
}

# --- What is needed

find_library() {
    if [[ -z ${LIBNTLMSSPI:-} ]]; then
        (cd -- "$here/.." && cargo build --quiet --release -p ntlm-capi)
        LIBNTLMSSPI=$(cd -- "$here/.." && realpath -- "${CARGO_TARGET_DIR:-target}/release/libntlmsspi.so")
    fi
    library=$(realpath -- "$LIBNTLMSSPI")
    [[ -f $library ]] || fail "no library: $LIBNTLMSSPI"
}

make_accounts() {
    winpr-hash -u alice -p "$sam_password" -f sam >"$work/sam"
    printf '%s\n' ":alice:$file_password" 'EXAMPLE:bob:B0b-Passw0rd!' ':Zoë:Pässw0rd' >"$work/users"
    printf '%s\n' 'dangerous_impersonation_without_effect = true' '[accounts]' 'user_file = "users"' >"$work/server.toml"
    chmod 600 "$work/users" "$work/sam" "$work/server.toml"
}

nt_hash() {
    winpr-hash -u any -p "$1" -f sam | cut -d: -f4
}

start_display() {
    mkfifo "$work/display"
    # By itself it would reset, and refuse new clients meanwhile, whenever the last one leaves.
    Xvfb -displayfd 3 -screen 0 800x600x24 -nolisten tcp -noreset 3>"$work/display" >"$work/xvfb.log" 2>&1 &
    started+=($!)
    local display
    read -r -t 60 display <>"$work/display" || fail "Xvfb does not start: $(cat "$work/xvfb.log")"
    export DISPLAY=:$display
}

# --- Servers

# The machine's /etc by links, with another /etc/winpr.
make_etc() { # MODULE or nothing
    local etc=$work/etc entry
    rm -rf --one-file-system "$etc"
    mkdir -p "$etc/winpr" "$work/machine"
    for entry in /etc/* /etc/.[!.]*; do
        [[ ! -e $entry || $entry = /etc/winpr ]] || ln -s "$work/machine/${entry##*/}" "$etc/"
    done
    [[ -z $1 ]] || printf '%s\n' 'Windows Registry Editor Version 5.00' '' \
        '[HKEY_LOCAL_MACHINE\Software\FreeRDP\FreeRDP\Server]' "\"SspiModule\"=str:\"$1\"" >"$etc/winpr/HKLM.reg"
}

with_server() { # stock, ours, ours-alone, ours-without-accounts
    local variables=(HOME="$work/server") namespace=(unshare --mount) attempt
    server=$1
    server_log=$work/server-$server.log
    case $server in
        stock) make_etc '' ;;
        ours) make_etc "$library" && variables+=(NTLM_CONFIG="$work/server.toml") ;;
        ours-alone) make_etc "$library" && variables+=(NTLM_USER_FILE="$work/users") ;;
        ours-without-accounts) make_etc "$library" ;;
    esac
    ((EUID == 0)) || namespace=(unshare --user --map-root-user --mount)
    mkdir -p "$work/server"
    for attempt in 1 2 3; do
        port=$(free_port)
        # Each step is an exec, so that the process id is the server's in the end. stdbuf: its log, line by line.
        # shellcheck disable=SC2016 # for the inner shell
        "${namespace[@]}" sh -euc 'mount --rbind /etc "$1/machine"; mount --bind "$1/etc" /etc; shift; exec "$@"' - "$work" \
            env "${variables[@]}" stdbuf -oL freerdp-shadow-cli /bind-address:127.0.0.1 "/port:$port" /sec:nla +auth \
            "/sam-file:$work/sam" >"$server_log" 2>&1 </dev/null &
        server_pid=$!
        started+=($!)
        wait_for_port "$port" "$server_pid" && return 0
        end_server
    done
    fail "the $server server does not start: $(cat "$server_log")"
}

end_server() {
    end "$server_pid"
    wait "$server_pid" 2>/dev/null || true
}

# --- Checks

check_logons() { # CLIENT SERVER
    local client=$1 right=$file_password wrong=$sam_password reason=SEC_E_LOGON_DENIED
    # The stock server finds a wrong password as a wrong MIC.
    [[ $2 = ours ]] || right=$sam_password wrong=$file_password reason=SEC_E_MESSAGE_ALTERED
    check "$client" 'right password accepted' accepted '' /u:alice "/p:$right"
    check "$client" 'wrong password refused' refused "$reason" /u:alice "/p:$wrong"
    [[ $2 = ours ]] || return 0
    check "$client" 'account of a domain accepted' accepted '' /u:bob /d:EXAMPLE '/p:B0b-Passw0rd!'
    check "$client" 'account of another domain refused' refused "$reason" /u:bob /d:OTHER '/p:B0b-Passw0rd!'
    check "$client" 'letters outside ASCII accepted' accepted '' /u:Zoë '/p:Pässw0rd'
    check "$client" 'unknown user refused' refused "$reason" /u:mallory "/p:$right"
    check "$client" 'right password accepted again' accepted '' /u:alice "/p:$right"
}

# One logon, and what both sides say about it.
check() { # CLIENT WHAT accepted|refused REASON OPTIONS...
    local client=$1 name="$1 -> $server: $2" expected=$3 reason=$4 problem='' status=0 before said
    shift 4
    local log=$work/client.log variables=(HOME="$work/client" LD_DEBUG=bindings LD_DEBUG_OUTPUT="$work/bindings")
    mkdir -p "$work/client"
    rm -f "$work/bindings".*
    [[ $client = stock ]] || variables+=(LD_PRELOAD="$library")
    before=$(wc -c <"$server_log")
    timeout -k 5 90 env "${variables[@]}" xfreerdp "/v:127.0.0.1:$port" "$@" /cert:ignore /sec:nla +auth-only \
        >"$log" 2>&1 </dev/null || status=$?

    said=$(server_verdict "$before" "$name")
    if ! kill -0 "$server_pid" 2>/dev/null; then
        problem='the server has ended'
    elif [[ $expected = accepted ]]; then
        ((status == 0)) || problem="the client's exit status is $status"
        [[ $said = *' is activated '* ]] || problem+='; the server did not let it in'
    else
        # Its exit statuses are those of signals, too: what it says at an orderly end tells a refusal from a crash.
        ((status != 0)) && grep -q 'Authentication only, exit status 1' "$log" || problem="the client's exit status is $status"
        [[ $said != *' is activated '* ]] || problem+='; the server let it in'
        [[ $said = *"$reason"* ]] || grep -q "AcquireCredentialsHandle status $reason" "$log" || problem+="; nobody said $reason"
    fi
    problem+=$(not_the_side "$client" "$said")
    if [[ -z $problem ]]; then
        passed=$((passed + 1))
        echo "ok   $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name: ${problem#; }"
        sed 's/^/     client: /' "$log" | tail -n 30
        sed 's/^/     server: /' <<<"$said" | tail -n 30
    fi
    if [[ -n ${FREERDP_KEEP:-} ]]; then
        mkdir -p "$FREERDP_KEEP"
        { echo "exit status $status"; cat "$log"; echo '--- server'; echo "$said"; } >"$FREERDP_KEEP/${name//\//}.log"
    fi
}

# What the server says of this logon. It may still be at it when the client has gone.
server_verdict() { # BYTES of the log before
    local i said=
    for ((i = 0; i < 50; i++)); do
        said=$(tail -c "+$(($1 + 1))" "$server_log" | tr -d '\0')
        case $said in *' is activated '* | *'client authentication failure'* | *'Failed to check FreeRDP file descriptor'*) break ;; esac
        sleep 0.1
    done
    printf '%s' "$said"
}

# Whether each side really is what the check says. On servers WinPR's own security packages log what they do.
not_the_side() { # CLIENT SERVER-LOG
    local whose='[^ ]*/libwinpr2[^ ]*'
    [[ $1 = stock ]] || whose=$library
    grep -qs "/libfreerdp2[^ ]* \[0\] to $whose \[0\]: .*InitSecurityInterfaceExA" "$work/bindings".* ||
        printf '; the client did not ask the right library for its functions'
    if [[ $server = stock ]]; then
        ! grep -qF "$library" "/proc/$server_pid/maps" || printf '; the server has loaded our library'
        [[ $2 = *com.winpr.negotiate* ]] || printf "; the server did not use WinPR's own package"
    else
        grep -qF "$library" "/proc/$server_pid/maps" || printf '; the server has not loaded our library'
        [[ $2 != *com.winpr.negotiate* && $2 != *com.winpr.sspi* ]] || printf "; the server used WinPR's own package"
    fi
}

main
