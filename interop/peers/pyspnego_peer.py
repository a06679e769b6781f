#!/usr/bin/env python3
"""pyspnego's own NTLM, written in Python (`use_ntlm`: never GSSAPI, whatever is installed)."""

from importlib.metadata import version

import spnego
from line_protocol import Facts, Options, Peer, serve, use_credential_file
from spnego.channel_bindings import GssChannelBindings


class Pyspnego(Peer):
    def __init__(self, options: Options) -> None:
        bindings = None
        if options.channel_bindings is not None:
            bindings = GssChannelBindings(application_data=options.channel_bindings)
        self._is_server = options.role == "server"
        if self._is_server:
            use_credential_file(options)
            self._context = spnego.server(
                protocol="ntlm",
                options=spnego.NegotiateOptions.use_ntlm,
                channel_bindings=bindings,
            )
        else:
            self._context = spnego.client(
                username=f"{options.domain}\\{options.user}",
                password=options.password,
                service=options.service,
                hostname=options.host,
                protocol="ntlm",
                options=spnego.NegotiateOptions.use_ntlm,
                context_req=_requirements(options),
                channel_bindings=bindings,
            )
        if options.mic:
            # Reading the property is how pyspnego's SPNEGO layer asks for a MIC.
            _ = self._context._requires_mech_list_mic

    def step(self, token: bytes) -> tuple[bytes, bool]:
        reply = self._context.step(token or None)
        return reply or b"", self._context.complete

    def facts(self) -> Facts:
        user = self._context.client_principal if self._is_server else None
        return Facts(user=user, key=self._context.session_key, flags=int(self._context._context_attr))

    def sign(self, message: bytes) -> bytes:
        return self._context.sign(message)

    def verify(self, message: bytes, signature: bytes) -> None:
        self._context.verify(message, signature)

    def seal(self, message: bytes) -> bytes:
        return self._context.wrap(message).data

    def unseal(self, sealed: bytes) -> bytes:
        return self._context.unwrap(sealed).data


def _requirements(options: Options) -> spnego.ContextReq:
    req = spnego.ContextReq
    flags = req.none
    if options.sign:
        flags |= req.integrity | req.replay_detect | req.sequence_detect
    if options.seal:
        flags |= req.confidentiality
    return flags


if __name__ == "__main__":
    serve("pyspnego", ["client", "server"], lambda: version("pyspnego"), Pyspnego)
