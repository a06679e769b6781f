#!/usr/bin/env python3
"""gss-ntlmssp, the NTLMSSP mechanism of MIT Kerberos' GSSAPI (C), through python-gssapi: raw NTLM, no SPNEGO."""

import subprocess

import gssapi
from gssapi.raw import ChannelBindings, inquire_sec_context_by_oid
from line_protocol import Facts, Options, Peer, serve, use_credential_file

MECHANISM = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
INQUIRE_SESSION_KEY = gssapi.OID.from_int_seq("1.2.840.113554.1.2.2.5.5")
SPNEGO_REQUIRE_MIC = gssapi.OID.from_int_seq("1.3.6.1.4.1.7165.655.1.2")


class GssNtlmssp(Peer):
    def __init__(self, options: Options) -> None:
        use_credential_file(options)
        bindings = None
        if options.channel_bindings is not None:
            bindings = ChannelBindings(application_data=options.channel_bindings)
        self._wants_mic = options.mic
        if options.role == "client":
            account = gssapi.Name(f"{options.domain}\\{options.user}", gssapi.NameType.user)
            self._context = gssapi.SecurityContext(
                usage="initiate",
                name=gssapi.Name(options.target, gssapi.NameType.hostbased_service),
                mech=MECHANISM,
                creds=gssapi.Credentials(usage="initiate", name=account, mechs=[MECHANISM]),
                flags=_requirements(options),
                channel_bindings=bindings,
            )
        else:
            self._context = gssapi.SecurityContext(
                usage="accept",
                creds=gssapi.Credentials(usage="accept", mechs=[MECHANISM]),
                channel_bindings=bindings,
            )

    def step(self, token: bytes) -> tuple[bytes, bool]:
        if token and self._wants_mic:
            # Only a SPNEGO layer asks this before the AUTHENTICATE; having been asked, the mechanism sends a MIC.
            inquire_sec_context_by_oid(self._context, SPNEGO_REQUIRE_MIC)
        reply = self._context.step(token or None)
        return reply or b"", self._context.complete

    def facts(self) -> Facts:
        key = inquire_sec_context_by_oid(self._context, INQUIRE_SESSION_KEY)[0]
        user = None
        if self._context.usage == "accept":
            user = str(self._context.initiator_name).removesuffix("\0")  # gss-ntlmssp counts the terminator in
        return Facts(user=user, key=key)

    def sign(self, message: bytes) -> bytes:
        return self._context.get_signature(message)

    def verify(self, message: bytes, signature: bytes) -> None:
        self._context.verify_signature(message, signature)

    def seal(self, message: bytes) -> bytes:
        return self._context.wrap(message, encrypt=True).message

    def unseal(self, sealed: bytes) -> bytes:
        return self._context.unwrap(sealed).message


def _requirements(options: Options) -> list[gssapi.RequirementFlag]:
    flag = gssapi.RequirementFlag
    # Mutual authentication changes nothing; but python-gssapi takes an empty list for its default, which asks to sign.
    signing = [flag.integrity, flag.replay_detection, flag.out_of_sequence_detection]
    return [flag.mutual_authentication] + signing * options.sign + [flag.confidentiality] * options.seal


def _version() -> str:
    return subprocess.check_output(["dpkg-query", "-W", "-f", "${Version}", "gss-ntlmssp"], text=True)


if __name__ == "__main__":
    serve("gss-ntlmssp", ["client", "server"], _version, GssNtlmssp)
