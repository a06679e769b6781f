#!/usr/bin/env python3
"""Samba's NTLMSSP client through its Python bindings: unlike `ntlm_auth` it also signs and seals."""

import samba
from line_protocol import Facts, Options, Peer, serve
from samba import credentials, gensec
from samba.param import LoadParm


class SambaGensec(Peer):
    def __init__(self, options: Options) -> None:
        if options.channel_bindings is not None or options.mic:
            raise SystemExit("gensec takes neither channel bindings nor a wish for a MIC")
        configuration = LoadParm()
        configuration.load("/dev/null")
        account = credentials.Credentials()
        account.guess(configuration)
        account.set_username(options.user)
        account.set_domain(options.domain)
        account.set_password(options.password)
        account.set_kerberos_state(credentials.DONT_USE_KERBEROS)
        self._host = options.host  # the binding keeps a pointer into this string
        self._context = gensec.Security.start_client({"lp_ctx": configuration, "target_hostname": self._host})
        self._context.set_credentials(account)
        self._context.set_target_service(options.service)
        if options.sign:
            self._context.want_feature(gensec.FEATURE_SIGN)
        if options.seal:
            self._context.want_feature(gensec.FEATURE_SEAL)
        self._context.start_mech_by_name("ntlmssp")

    def step(self, token: bytes) -> tuple[bytes, bool]:
        complete, reply = self._context.update(token)
        return reply or b"", complete

    def facts(self) -> Facts:
        return Facts(key=self._context.session_key())

    def sign(self, message: bytes) -> bytes:
        return self._context.sign_packet(message, message)

    def verify(self, message: bytes, signature: bytes) -> None:
        self._context.check_packet(message, message, signature)

    def seal(self, message: bytes) -> bytes:
        return self._context.wrap(message)

    def unseal(self, sealed: bytes) -> bytes:
        return self._context.unwrap(sealed)


if __name__ == "__main__":
    serve("samba-gensec", ["client"], lambda: samba.version, SambaGensec)
