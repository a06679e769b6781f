#!/usr/bin/env python3
"""Crosses real counterparts with one another over the line protocol; see README.md. Run it through selftest.sh."""

import base64
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

PEER = Path(__file__).with_name("peer")
USER, DOMAIN = "Zoë", "EXAMPLE"
ACCOUNT = {"INTEROP_USER": USER, "INTEROP_DOMAIN": DOMAIN, "INTEROP_PASSWORD": "Pässw0rd"}
BINDINGS = b"tls-server-end-point:" + bytes(range(32))
SECONDS_PER_PEER = 30

SAMBA, GENSEC, GSS, PYSPNEGO, IMPACKET = "samba_peer", "samba_gensec", "gss_ntlmssp", "pyspnego_peer", "impacket_client"

SIGNS = {GENSEC, GSS, PYSPNEGO, IMPACKET}
"""Peers that sign and seal; ntlm_auth only hands out the key."""

PAIRS = [
    (SAMBA, SAMBA, []),
    (SAMBA, GSS, []),
    (GENSEC, SAMBA, []),
    (GENSEC, GSS, []),
    (GSS, SAMBA, []),
    (GSS, GSS, []),
    (GSS, PYSPNEGO, []),
    (PYSPNEGO, SAMBA, []),
    (PYSPNEGO, GSS, []),
    (PYSPNEGO, PYSPNEGO, []),
    (IMPACKET, SAMBA, []),
    (IMPACKET, GSS, ["--mic"]),  # gss-ntlmssp refuses a NEGOTIATE without VERSION, impacket's without --mic
]
"""Client, server, client options. README.md says why the other pairs do not work."""

WITHOUT_SECURITY = [(client, server, options) for client, server, options in PAIRS if client != PYSPNEGO]
"""pyspnego and the C servers disagree on the key when KEY_EXCH comes without SIGN and SEAL."""

WRONG_PASSWORD = [(SAMBA, SAMBA), (PYSPNEGO, GSS), (GSS, PYSPNEGO)]

ANNOUNCED_MIC = [
    (SAMBA, SAMBA, []),
    (SAMBA, GSS, []),
    (GSS, SAMBA, ["--mic"]),
    (GSS, GSS, ["--mic"]),
    (GSS, PYSPNEGO, ["--mic"]),
    (PYSPNEGO, SAMBA, []),
    (PYSPNEGO, GSS, []),
    (PYSPNEGO, PYSPNEGO, []),
]

CHANNEL_BINDINGS = [
    (GSS, GSS, []),
    (GSS, PYSPNEGO, []),
    (PYSPNEGO, GSS, []),
    (PYSPNEGO, PYSPNEGO, []),
    (IMPACKET, GSS, ["--mic"]),
]


class Failure(Exception):
    pass


class Peer:
    def __init__(self, name: str, role: str, options: list[str]) -> None:
        self._name = f"{name} {role}"
        self._process = subprocess.Popen(
            [PEER, name, role, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=os.environ | ACCOUNT,
        )
        self._watchdog = threading.Timer(SECONDS_PER_PEER, self._process.kill)
        self._watchdog.start()

    def await_ready(self) -> None:
        if not self._process.stdout.readline().startswith("ready "):
            last_words = self._process.stderr.read().strip().splitlines() or ["no ready line"]
            raise Failure(f"{self._name} did not start: {last_words[-1]}")

    def ask(self, verb: str, *arguments: bytes) -> list[str]:
        fields = [base64.b64encode(argument).decode() or "-" for argument in arguments]
        self._process.stdin.write(" ".join([verb, *fields]) + "\n")
        reply = self._process.stdout.readline().rstrip("\n")
        if not reply:
            raise Failure(f"{self._name} ended or timed out at {verb}")
        return reply.split(" ")

    def get(self, verb: str, *arguments: bytes) -> bytes:
        """Asks for something that must work."""
        status, *fields = self.ask(verb, *arguments)
        if status == "ERR":
            raise Failure(f"{self._name} at {verb}: {' '.join(fields)}")
        return base64.b64decode(fields[0]) if fields and fields[0] != "-" else b""

    def facts(self) -> dict[str, str]:
        return dict(field.split("=", 1) for field in self.ask("Q")[1:])

    def close(self) -> None:
        self._process.communicate()
        self._watchdog.cancel()


@contextmanager
def pair(client: str, server: str, client_options: list[str], server_options: list[str]) -> Iterator[tuple[Peer, Peer]]:
    peers = Peer(client, "client", client_options), Peer(server, "server", server_options)
    try:
        for peer in peers:
            peer.await_ready()
        yield peers
    finally:
        for peer in peers:
            peer.close()


def authenticate_message(client: Peer, server: Peer) -> bytes:
    challenge = server.get("T", client.get("T", b""))
    return client.get("T", challenge)


def sign_in(client: Peer, server: Peer) -> None:
    server.get("T", authenticate_message(client, server))
    user = base64.b64decode(server.facts()["user"]).decode()
    if user != f"{DOMAIN}\\{USER}":
        raise Failure(f"the server took the client for {user}")
    client_key, server_key = client.facts()["key"], server.facts()["key"]
    if client_key != server_key or len(client_key) != 32:
        raise Failure(f"session keys {client_key} and {server_key}")


def must_refuse(peer: Peer, verb: str, *arguments: bytes) -> None:
    status, *_ = peer.ask(verb, *arguments)
    if status != "ERR":
        raise Failure(f"accepted, with {status}")


def flip(data: bytes, index: int) -> bytes:
    altered = bytearray(data)
    altered[index] ^= 1
    return bytes(altered)


def check_session(client: Peer, server: Peer) -> None:
    """Signing and sealing share one key stream and sequence per direction, so they take turns."""
    sign_in(client, server)
    for message in (b"a", b"first line\r\n" * 100, bytes(range(256))):
        for sender, receiver in ((client, server), (server, client)):
            receiver.get("V", message, sender.get("S", message))
            if receiver.get("D", sender.get("E", message)) != message:
                raise Failure("unsealed to something else")


def check_altered_messages(client: Peer, server: Peer) -> None:
    sign_in(client, server)
    must_refuse(server, "V", b"message", flip(client.get("S", b"message"), 4))
    must_refuse(client, "D", flip(server.get("E", b"message"), -1))


def check_refused(client: Peer, server: Peer) -> None:
    must_refuse(server, "T", authenticate_message(client, server))


def check_altered_mic(client: Peer, server: Peer) -> None:
    mic_offset = 72
    must_refuse(server, "T", flip(authenticate_message(client, server), mic_offset))


Check = tuple[str, str, str, list[str], list[str], Callable[[Peer, Peer], None]]


def checks() -> Iterator[Check]:
    def bindings(application_data: bytes) -> list[str]:
        return ["--channel-bindings-hex", application_data.hex()]

    no_security = ["--no-security"]
    for client, server, options in PAIRS:
        yield "signs in, same session key", client, server, options, [], sign_in
        if {client, server} <= SIGNS:
            yield "signs and seals both ways", client, server, options, [], check_session
            yield "altered messages refused", client, server, options, [], check_altered_messages
    for client, server in WRONG_PASSWORD:
        yield "wrong password refused", client, server, ["--password", "wrong"], [], check_refused
    for client, server, options in WITHOUT_SECURITY:
        yield "signs in without security", client, server, options + no_security, no_security, sign_in
    for client, server, options in ANNOUNCED_MIC:
        yield "altered MIC refused", client, server, options, [], check_altered_mic
    for client, server, options in CHANNEL_BINDINGS:
        bound = options + bindings(BINDINGS)
        yield "channel bindings", client, server, bound, bindings(BINDINGS), sign_in
        yield "other channel refused", client, server, bound, bindings(BINDINGS + b"!"), check_refused


def run(check: Check) -> str:
    """Why it failed, or nothing."""
    _, client, server, client_options, server_options, body = check
    try:
        with pair(client, server, client_options, server_options) as peers:
            body(*peers)
    except (Failure, OSError, ValueError, KeyError) as error:
        return str(error) or type(error).__name__
    return ""


def main() -> int:
    passed = failed = 0
    planned = list(checks())
    with ThreadPoolExecutor(max_workers=2) as pool:
        for check, failure in zip(planned, pool.map(run, planned), strict=True):
            title, client, server, *_ = check
            if failure:
                failed += 1
            else:
                passed += 1
            outcome = f"FAIL {failure}" if failure else "ok"
            print(f"{client} -> {server}: {title}: {outcome}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
