#!/usr/bin/env python3
"""impacket's NTLM client: its message functions, and its signing and sealing with the keys it derives."""

import hmac
from hashlib import md5
from importlib.metadata import version

from Cryptodome.Cipher import ARC4
from impacket import ntlm
from line_protocol import Facts, Options, Peer, serve


class Direction:
    """One way of the connection: signing key, sealing handle and sequence number."""

    def __init__(self, flags: int, session_key: bytes, mode: str) -> None:
        self._flags = flags
        self._signing_key = ntlm.SIGNKEY(flags, session_key, mode)
        self._sealing_key = ntlm.SEALKEY(flags, session_key, mode)
        self._rc4 = ARC4.new(self._sealing_key).encrypt
        self._sequence = 0

    def sign(self, message: bytes) -> bytes:
        signature = ntlm.SIGN(self._flags, self._signing_key, message, self._sequence, self._rc4)
        self._sequence += 1
        return signature.getData()

    def seal(self, message: bytes) -> bytes:
        sealed, signature = ntlm.SEAL(
            self._flags, self._signing_key, self._sealing_key, message, message, self._sequence, self._rc4
        )
        self._sequence += 1
        return signature.getData() + sealed

    def unseal(self, sealed: bytes) -> bytes:
        message = self._rc4(sealed[16:])
        self.verify(message, sealed[:16])
        return message

    def verify(self, message: bytes, signature: bytes) -> None:
        if not hmac.compare_digest(self.sign(message), signature):
            raise ValueError("wrong signature")


class ImpacketClient(Peer):
    def __init__(self, options: Options) -> None:
        self._options = options
        self._version = _version_field() if options.mic else None
        self._negotiate = ntlm.getNTLMSSPType1(signingRequired=options.sign, version=self._version)
        if options.sign and not options.seal:
            self._negotiate["flags"] &= ~ntlm.NTLMSSP_NEGOTIATE_SEAL

    def step(self, token: bytes) -> tuple[bytes, bool]:
        if not token:
            return self._negotiate.getData(), False
        authenticate, key = ntlm.getNTLMSSPType3(
            self._negotiate,
            token,
            self._options.user,
            self._options.password,
            self._options.domain,
            service=self._options.service,
            channel_binding_value=_channel_bindings_hash(self._options.channel_bindings),
            version=self._version,
        )
        if self._options.mic:
            # As impacket's SQL Server client does it. MsvAvFlags does not announce this MIC.
            authenticate["MIC"] = bytes(16)
            authenticate["MIC"] = ntlm.hmac_md5(key, self._negotiate.getData() + token + authenticate.getData())
        flags = authenticate["flags"]
        self._facts = Facts(key=key, flags=flags)
        self._outgoing = Direction(flags, key, "Client")
        self._incoming = Direction(flags, key, "Server")
        return authenticate.getData(), True

    def facts(self) -> Facts:
        return self._facts

    def sign(self, message: bytes) -> bytes:
        return self._outgoing.sign(message)

    def verify(self, message: bytes, signature: bytes) -> None:
        self._incoming.verify(message, signature)

    def seal(self, message: bytes) -> bytes:
        return self._outgoing.seal(message)

    def unseal(self, sealed: bytes) -> bytes:
        return self._incoming.unseal(sealed)


def _version_field() -> ntlm.VERSION:
    """impacket makes room for a MIC exactly when it sends a VERSION."""
    field = ntlm.VERSION()
    field["ProductMajorVersion"], field["ProductMinorVersion"], field["ProductBuild"] = 10, 0, 20348
    return field


def _channel_bindings_hash(application_data: bytes | None) -> bytes:
    if application_data is None:
        return b""
    no_addresses = bytes(16)
    return md5(no_addresses + len(application_data).to_bytes(4, "little") + application_data).digest()


if __name__ == "__main__":
    serve("impacket", ["client"], lambda: version("impacket"), ImpacketClient)
