"""Rates: every round lets every program do every work once, one after another, so that what is compared was measured within seconds."""

import statistics
import sys

from peers import OTHERS, OURS, PEERS, Programs

SIZES = [64, 256, 1024, 4096, 16384, 65536]
SIGNED = 16384
THREADED = 16384

# group -> label -> a rate per round
Rates = dict[str, dict[str, list[float]]]

# A group of what is compared: label, program, work, size. Who begins changes from round to round.
Group = list[tuple[str, str, str, int]]


def groups() -> dict[str, Group]:
    def peers(work: str, size: int = 0) -> Group:
        return [(name, name, work, size) for name in PEERS]

    made = {
        "handshake": peers("handshake") + [("core-short", "core", "short-handshake", 0), ("bare", "primitives", "bare-handshake", 0), ("random", "primitives", "random", 0)],
        "handshake-message": peers("handshake-message") + [("core-short", "core", "short-handshake-message", 0), ("bare", "primitives", "bare-handshake-message", 0)],
    }
    for size in SIZES:
        made[f"seal {size}"] = peers("seal", size)
        made[f"unseal {size}"] = peers("unseal", size)
    bare = [
        ("md5", "primitives", "md5", SIGNED),
        ("core-md5", "primitives", "core-md5", SIGNED),
        ("openssl-md5", "openssl", "md5", SIGNED),
    ]
    for work in ("sign", "verify"):
        made[f"{work} {SIGNED}"] = peers(work, SIGNED) + bare
    made["rc4"] = [("core-rc4", "primitives", "core-rc4", SIGNED), ("openssl-rc4", "openssl", "rc4", SIGNED)]
    for work, size in (("handshake", 0), ("seal", THREADED)):
        made[f"threads {work}"] = [
            (f"{name} {threads}", name, f"{threads}-{work}", size)
            for name in [*OURS, "sspi"]
            for threads in ("one-thread", "two-threads")
        ] + [(f"md5 {threads}", "primitives", f"{threads}-md5", SIGNED) for threads in ("one-thread", "two-threads")]
    return made


def measure(programs: Programs, rounds: int, milliseconds: int) -> Rates:
    rates: Rates = {}
    for turn in range(rounds):
        for group, members in groups().items():
            if sys.stderr.isatty():
                print(f"\rround {turn + 1} of {rounds}: {group:<24}", end="", file=sys.stderr, flush=True)
            first = turn % len(members)
            for label, program, work, size in members[first:] + members[:first]:
                answer = programs.ask(program, work, size, milliseconds)
                if answer != "-":
                    rates.setdefault(group, {}).setdefault(label, []).append(float(answer))
        print(f"\rround {turn + 1} of {rounds}{'':<24}", file=sys.stderr)
    return rates


def median(rates: Rates, group: str, label: str) -> float | None:
    found = rates.get(group, {}).get(label)
    return statistics.median(found) if found else None


def ratios(rates: Rates, group: str, label: str, to: str) -> list[float]:
    """Within each round."""
    return [a / b for a, b in zip(rates[group][label], rates[group][to], strict=True)]


def fastest_other(rates: Rates, group: str) -> str:
    return max((name for name in OTHERS if name in rates[group]), key=lambda name: median(rates, group, name) or 0)
