#!/usr/bin/env python3
"""pyspnego's own NTLM, written in Python: the works of c/works.h, WORK SIZE MILLISECONDS. The account comes from a file in memory, as its server wants it."""

import gc
import os
import statistics
import sys
import time
import tracemalloc

import spnego

WANTED = 0x60080231  # KEY_EXCH, 128, EXTENDED_SESSIONSECURITY, NTLM, SEAL, SIGN, UNICODE
SLICES = 11
MESSAGE = 64
BATCH = 256 * 1024
MOST_IN_BATCH = 1024
CONTEXTS = 100


class Pair:
    """Both sides of a logon, and its messages."""

    def __init__(self) -> None:
        req = spnego.ContextReq
        self.client = spnego.client(
            username="EXAMPLE\\alice",
            password="Al1ce-Passw0rd",
            service="host",
            hostname="server1",
            protocol="ntlm",
            options=spnego.NegotiateOptions.use_ntlm,
            context_req=req.confidentiality | req.integrity | req.replay_detect | req.sequence_detect,
        )
        _ = self.client._requires_mech_list_mic  # how pyspnego's SPNEGO layer asks for a MIC
        self.server = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        self.challenge = self.server.step(self.client.step())

    def finish(self) -> "Pair":
        self.authenticate = self.client.step(self.challenge)
        self.server.step(self.authenticate)
        assert self.client.complete and self.server.complete
        return self

    def use(self) -> "Pair":
        unseal(self.server, seal(self.client, b"\x5a" * MESSAGE))
        unseal(self.client, seal(self.server, b"\x5a" * MESSAGE))
        return self


def seal(side, message):
    return side.wrap(message).data


def unseal(side, sealed):
    return side.unwrap(sealed).data


def sign(side, message):
    return side.sign(message)


def verify(side, message, signature):
    side.verify(message, signature)


def configure() -> None:
    file = os.memfd_create("accounts")
    os.write(file, b"EXAMPLE:alice:Al1ce-Passw0rd\n")
    os.environ["NTLM_USER_FILE"] = f"/proc/{os.getpid()}/fd/{file}"


def number(data: bytes, offset: int, length: int) -> int:
    return int.from_bytes(data[offset : offset + length], "little")


def check(pair: Pair, size: int) -> None:
    """NTLMv2, a MIC that is announced, the wanted flags; messages that are what they should be, and a changed one that is found out."""
    message = pair.authenticate
    assert number(message, 60, 4) & WANTED == WANTED
    start, length = number(message, 24, 4), number(message, 20, 2)
    response = message[start : start + length]
    announced, at = 0, 44
    while number(response, at, 2):
        if number(response, at, 2) == 6:
            announced = number(response, at + 4, 4)
        at += 4 + number(response, at + 2, 2)
    assert response[16] == 1 and announced & 2 and message[72:88] != bytes(16)
    plain = b"\x5a" * size
    for turn in range(4):
        give, take = (pair.server, pair.client) if turn % 2 else (pair.client, pair.server)
        sealed = seal(give, plain)
        assert sealed[16:] != plain and unseal(take, sealed) == plain
        verify(take, plain, sign(give, plain))
    changed = bytearray(seal(pair.client, plain))
    changed[16 + size // 2] ^= 1
    try:
        unseal(pair.server, bytes(changed))
    except spnego.exceptions.SpnegoError:
        return
    raise AssertionError("a changed message was taken")


def rate(turn, budget: float) -> float:
    times = 1
    while (took := turn(times)) < budget / (4 * SLICES):
        times *= 2
    times = max(1, int(times * budget / SLICES / took))
    return statistics.median(times / turn(times) for _ in range(SLICES))


def handshakes(times: int, with_messages: bool = False) -> float:
    start = time.process_time()
    for _ in range(times):
        pair = Pair().finish()
        if with_messages:
            pair.use()
    return time.process_time() - start


def give(how, size: int):
    pair, plain = Pair().finish(), b"\x5a" * size

    def turn(times: int) -> float:
        start = time.process_time()
        for _ in range(times):
            how(pair.server, plain)
        return time.process_time() - start

    return turn


def take(how_to_give, how_to_take, size: int):
    pair, plain = Pair().finish(), b"\x5a" * size

    def turn(times: int) -> float:
        took = 0.0
        while times > 0:
            count = min(times, max(1, min(BATCH // size, MOST_IN_BATCH)))
            given = [how_to_give(pair.client, plain) for _ in range(count)]
            start = time.process_time()
            taken = [how_to_take(pair.server, message) for message in given]
            took += time.process_time() - start
            assert all(message == plain for message in taken)
            times -= count
        return took

    return turn


def verified(plain: bytes):
    def how(side, signature):
        verify(side, plain, signature)
        return plain

    return how


def held(make) -> int:
    """Bytes that one of them takes, as tracemalloc counts Python's memory."""
    make()
    tracemalloc.start()
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    kept = [make() for _ in range(CONTEXTS)]
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) // len(kept)


def main() -> None:
    work, size, budget = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) / 1000
    configure()
    pair = Pair().finish()
    check(pair, size or MESSAGE)
    plain = b"\x5a" * size
    match work:
        case "agreed":
            print(f"{number(pair.authenticate, 60, 4):#010x} {len(pair.challenge)} {len(pair.authenticate)}")
        case "memory":
            print(held(lambda: Pair().server), held(lambda: Pair().finish()), held(lambda: Pair().finish().use()))
        case "handshake":
            print(f"{rate(handshakes, budget):.6e}")
        case "handshake-message":
            print(f"{rate(lambda times: handshakes(times, True), budget):.6e}")
        case "seal":
            print(f"{rate(give(seal, size), budget):.6e}")
        case "sign":
            print(f"{rate(give(sign, size), budget):.6e}")
        case "unseal":
            print(f"{rate(take(seal, unseal, size), budget):.6e}")
        case "verify":
            print(f"{rate(take(sign, verified(plain), size), budget):.6e}")
        case _:
            print("-")


if __name__ == "__main__":
    main()
