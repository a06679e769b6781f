#!/usr/bin/env python3
"""Samba's `ntlm_auth` helper, as client or as a server that knows one password and needs no domain controller."""

import base64
import os
import subprocess

from line_protocol import Facts, Options, Peer, serve

NTLM_AUTH = os.environ.get("NTLM_AUTH", "ntlm_auth")


class NtlmAuth(Peer):
    """The helper's own protocol: `YR` and `TT`/`KK` carry tokens, `SF`, `GK` and `GF` features, key and flags."""

    def __init__(self, options: Options) -> None:
        if options.channel_bindings is not None or options.mic:
            raise SystemExit("ntlm_auth takes neither channel bindings nor a wish for a MIC")
        self._is_server = options.role == "server"
        if self._is_server:
            arguments = ["--helper-protocol=squid-2.5-ntlmssp"]
        else:
            arguments = [
                "--helper-protocol=ntlmssp-client-1",
                f"--username={options.user}",
                f"--domain={options.domain}",
                f"--target-service={options.service}",
                f"--target-hostname={options.host}",
            ]
        self._helper = subprocess.Popen(
            [NTLM_AUTH, "--configfile=/dev/null", f"--password={options.password}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._user: str | None = None
        features = ["NTLMSSP_FEATURE_SESSION_KEY"] if options.sign else []
        features += ["NTLMSSP_FEATURE_SIGN"] * options.sign + ["NTLMSSP_FEATURE_SEAL"] * options.seal
        if features:
            self._expect("OK", f"SF {' '.join(features)}")

    def step(self, token: bytes) -> tuple[bytes, bool]:
        return self._accept(token) if self._is_server else self._initiate(token)

    def _initiate(self, token: bytes) -> tuple[bytes, bool]:
        if not token:
            return base64.b64decode(self._expect("YR", "YR")), False
        return base64.b64decode(self._expect("AF", f"TT {_encode(token)}")), True

    def _accept(self, token: bytes) -> tuple[bytes, bool]:
        is_first = token[8:12] == b"\1\0\0\0"
        if is_first:
            return base64.b64decode(self._expect("TT", f"YR {_encode(token)}")), False
        self._user = self._expect("AF", f"KK {_encode(token)}")
        return b"", True

    def facts(self) -> Facts:
        key = base64.b64decode(self._expect("GK", "GK"))
        flags = int(self._expect("GF", "GF"), 16)
        return Facts(user=self._user, key=key, flags=flags)

    def _expect(self, verb: str, request: str) -> str:
        self._helper.stdin.write(request + "\n")
        reply = self._helper.stdout.readline().rstrip("\n")
        answered, _, rest = reply.partition(" ")
        if answered != verb:
            raise RuntimeError(reply or "ntlm_auth ended")
        return rest


def _encode(token: bytes) -> str:
    return base64.b64encode(token).decode()


def _version() -> str:
    return subprocess.check_output([NTLM_AUTH, "--version"], text=True).split()[-1]


if __name__ == "__main__":
    serve("samba-ntlm_auth", ["client", "server"], _version, NtlmAuth)
