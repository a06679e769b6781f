"""The one line protocol that every peer in this folder speaks (../README.md), and their common options."""

import argparse
import base64
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass


class Unsupported(Exception):
    """The library behind the peer has no such operation."""


@dataclass(frozen=True)
class Options:
    role: str
    user: str
    domain: str
    password: str
    target: str
    """A host-based service name, `SERVICE@HOST`."""
    sign: bool
    seal: bool
    mic: bool
    """Clients: make the library send a MIC where by itself it would not."""
    channel_bindings: bytes | None
    """The application data of the channel, not its hash."""

    @property
    def service(self) -> str:
        return self.target.partition("@")[0]

    @property
    def host(self) -> str:
        return self.target.partition("@")[2]


@dataclass(frozen=True)
class Facts:
    """What an established context knows; `None` for what the library does not tell."""

    user: str | None = None
    key: bytes | None = None
    flags: int | None = None


class Peer(ABC):
    """One security context of the library under test."""

    @abstractmethod
    def step(self, token: bytes) -> tuple[bytes, bool]:
        """Takes the other side's token (empty: there is none yet); returns ours and whether the context is complete."""

    @abstractmethod
    def facts(self) -> Facts: ...

    def sign(self, message: bytes) -> bytes:
        raise Unsupported("sign")

    def verify(self, message: bytes, signature: bytes) -> None:
        raise Unsupported("verify")

    def seal(self, message: bytes) -> bytes:
        raise Unsupported("seal")

    def unseal(self, sealed: bytes) -> bytes:
        raise Unsupported("unseal")


def serve(name: str, roles: Sequence[str], version: Callable[[], str], context: Callable[[Options], Peer]) -> None:
    """Runs one context over stdin and stdout until `X` or the end of input."""
    conversation = _Conversation(context(_parse_options(name, roles)))
    print("ready", name, version(), flush=True)
    for line in sys.stdin:
        verb, *arguments = line.split() or [""]
        if verb == "X":
            return
        try:
            reply = conversation.answer(verb, [_decode(argument) for argument in arguments])
        except Exception as error:  # whatever the library raises is an answer
            reply = f"ERR {type(error).__name__}: {' '.join(str(error).split())}"
        print(reply, flush=True)


def use_credential_file(options: Options) -> None:
    """Puts the account where NTLM_USER_FILE points, without leaving a password on disk."""
    account = (options.domain, options.user, options.password)
    if any(":" in field or "\n" in field for field in account):
        raise SystemExit("NTLM_USER_FILE has no way to write a colon or a newline")
    descriptor = os.memfd_create("ntlm_user_file")
    os.write(descriptor, (":".join(account) + "\n").encode())
    os.environ["NTLM_USER_FILE"] = f"/proc/{os.getpid()}/fd/{descriptor}"


class _Conversation:
    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._complete = False

    def answer(self, verb: str, arguments: list[bytes]) -> str:
        if self._complete == (verb == "T"):
            raise RuntimeError("the context is complete" if self._complete else "the context is not complete")
        match verb, arguments:
            case "T", [token]:
                reply, self._complete = self._peer.step(token)
                return f"{'OK' if self._complete else 'CONTINUE'} {_encode(reply)}"
            case "Q", []:
                facts = self._peer.facts()
                user = "-" if facts.user is None else _encode(facts.user.encode())
                key = "-" if facts.key is None else facts.key.hex()
                flags = "-" if facts.flags is None else f"0x{facts.flags:08x}"
                return f"OK user={user} key={key} flags={flags}"
            case "S", [message]:
                return f"OK {_encode(self._peer.sign(message))}"
            case "V", [message, signature]:
                self._peer.verify(message, signature)
                return "OK"
            case "E", [message]:
                return f"OK {_encode(self._peer.seal(message))}"
            case "D", [sealed]:
                return f"OK {_encode(self._peer.unseal(sealed))}"
            case _:
                raise ValueError(f"no such request: {verb} with {len(arguments)} arguments")


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode() or "-"


def _decode(field: str) -> bytes:
    return b"" if field == "-" else base64.b64decode(field, validate=True)


def _parse_options(name: str, roles: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog=name, allow_abbrev=False)
    parser.add_argument("role", choices=roles)
    for field in ("user", "domain", "password"):
        default = os.environ.get(f"INTEROP_{field.upper()}")
        parser.add_argument(f"--{field}", default=default, required=default is None, help=f"or INTEROP_{field.upper()}")
    parser.add_argument("--target", default="http@server.example.test", metavar="SERVICE@HOST")
    parser.add_argument("--no-security", action="store_true", help="ask for neither signing nor sealing")
    parser.add_argument("--no-seal", action="store_true", help="ask for signing only")
    parser.add_argument("--mic", action="store_true", help="client: send a MIC where the library would not")
    parser.add_argument("--channel-bindings-hex", type=bytes.fromhex, metavar="HEX", help="application data")
    parsed = parser.parse_args()
    return Options(
        role=parsed.role,
        user=parsed.user,
        domain=parsed.domain,
        password=parsed.password,
        target=parsed.target,
        sign=not parsed.no_security,
        seal=not (parsed.no_security or parsed.no_seal),
        mic=parsed.mic,
        channel_bindings=parsed.channel_bindings_hex,
    )
