"""What was aimed at, what was measured, and whether it is met."""

import statistics
from dataclasses import dataclass, replace

from peers import TITLES
from rounds import SIGNED, SIZES, THREADED, Rates, fastest_other, ratios

# From this size on, sealing through the C table is to keep up with the core.
C_SEALING_FROM = 1024


@dataclass(frozen=True)
class Goal:
    what: str
    aim: str
    measured: str
    met: bool | None
    """`None`: nothing was aimed at, or a quick run does not measure it."""


def goals(results: dict) -> list[Goal]:
    rates, facts = results["rates"], results["facts"]
    of_rates = [*_handshakes(rates, facts), *_messages(rates), *_signatures(rates), *_threads(rates), *_layers(rates)]
    return [*of_rates, *_memory(facts), *_sizes(facts), *_http(facts)]


def _at_least(what: str, bound: float, values: list[float], to: str) -> Goal:
    middle = statistics.median(values)
    spread = f", {min(values):.2f} to {max(values):.2f}" if len(values) > 1 else ""
    return Goal(what, f"at least {bound:g} x {to}", f"{middle:.2f} x{spread}", middle >= bound)


def _handshakes(rates: Rates, facts: dict) -> list[Goal]:
    blocks, set_ups, blocks_with_messages, set_ups_with_messages = facts["primitives"]
    labels = ("core", "bare", "random")
    turns = zip(*(rates["handshake"][label] for label in labels), strict=True)
    with_random = statistics.median((1 / core) / (1 / bare + 1 / random) for core, bare, random in turns)
    return [
        *(
            _at_least(f"{what}{how}", 3, ratios(rates, group, label, "sspi"), "sspi")
            for what, group in (("handshake, both sides", "handshake"), ("handshake and a sealed message each way", "handshake-message"))
            for how, label in ((", messages as short as sspi's", "core-short"), (", messages with names, as Windows sends them", "core"))
        ),
        _alone("what the bare primitives of a handshake would reach, one after another", ratios(rates, "handshake", "bare", "sspi")),
        _alone("what those of a handshake with messages would reach", ratios(rates, "handshake-message", "bare", "sspi")),
        _bare("handshake", rates, "handshake", f"{blocks} MD5 blocks, {set_ups} RC4 set-ups"),
        Goal("the same, with the kernel's random bytes among the primitives", "-", f"{with_random:.2f} x", None),
        _bare("handshake and messages", rates, "handshake-message", f"{blocks_with_messages} MD5 blocks, {set_ups_with_messages} RC4 set-ups"),
    ]


def _alone(what: str, values: list[float]) -> Goal:
    """How far the primitives alone would go: what is aimed at beyond that must do several of them at once."""
    return Goal(what, "-", f"{statistics.median(values):.2f} x sspi", None)


def _bare(what: str, rates: Rates, group: str, count: str) -> Goal:
    times = ratios(rates, group, "bare", "core")
    middle = statistics.median(times)
    return Goal(f"{what}: time, by that of its bare primitives ({count})", "less than 1.4 x", f"{middle:.2f} x", middle < 1.4)


def _messages(rates: Rates) -> list[Goal]:
    made = []
    for work in ("seal", "unseal"):
        made.append(_at_least(f"{work} 64 B", 2.5, ratios(rates, f"{work} 64", "core", "sspi"), "sspi"))
    # Two blocks of the message, one of the outer hash; the message and eight bytes of checksum.
    turns = zip(rates[f"sign {SIGNED}"]["md5"], rates["rc4"]["core-rc4"], rates["seal 64"]["sspi"], strict=True)
    bare = [SIGNED / (3 * 64 / md5 + (64 + 8) / rc4) / sspi for md5, rc4, sspi in turns]
    made.append(_alone("what three MD5 blocks and 72 bytes of RC4 would reach at 64 B, one after another", bare))
    for size, bound in ((1024, 1.6), (16384, 1.3), (65536, 1.3)):
        for work in ("seal", "unseal"):
            group = f"{work} {size}"
            fastest = fastest_other(rates, group)
            made.append(
                _at_least(f"{work} {size // 1024} KiB", bound, ratios(rates, group, "core", fastest), f"the fastest peer ({TITLES[fastest]})")
            )
    return made


def _signatures(rates: Rates) -> list[Goal]:
    return [
        _at_least(f"{work} {SIGNED // 1024} KiB", 0.97, ratios(rates, f"{work} {SIGNED}", "core", "md5"), "bare MD5 (md-5)")
        for work in ("sign", "verify")
    ]


def _threads(rates: Rates) -> list[Goal]:
    made = []
    for what, work in (("handshakes", "handshake"), (f"sealing {THREADED // 1024} KiB", "seal")):
        group = f"threads {work}"
        goal = _at_least(f"{what} in two threads", 1.85, ratios(rates, group, "core two-threads", "core one-thread"), "one thread")
        machine = statistics.median(ratios(rates, group, "md5 two-threads", "md5 one-thread"))
        made.append(replace(goal, measured=f"{goal.measured} (bare MD5: {machine:.2f} x)"))
    return made


def _layers(rates: Rates) -> list[Goal]:
    sealing = [
        (statistics.median(ratios(rates, f"{work} {size}", "c-table", "core")), f"{work} {size // 1024} KiB")
        for work in ("seal", "unseal")
        for size in SIZES
        if size >= C_SEALING_FROM
    ]
    worst, where = min(sealing)
    return [
        _at_least("handshake through the C table", 0.85, ratios(rates, "handshake", "c-table", "core"), "the core"),
        Goal(f"sealing through the C table, the worst from 1 KiB on ({where})", "at least 0.95 x the core", f"{worst:.2f} x", worst >= 0.95),
    ]


def _memory(facts: dict) -> list[Goal]:
    half_open, _, pair = facts["counted"]
    of_sspi, _, pair_of_sspi = facts["memory"]["sspi"]
    growth = facts["growth"]
    made = [
        Goal("memory of a half-open server", "at most 700 B", f"{half_open} B (sspi: {of_sspi} B)", half_open <= 700),
        Goal("memory of an established pair after a message each way", "at most 2.2 KiB", f"{pair} B (sspi: {pair_of_sspi} B)", pair <= 2.2 * 1024),
    ]
    for name in ("core", "c-table"):
        what = f"growth over {growth['handshakes']:,} handshakes, {TITLES[name]}"
        made.append(Goal(what, "flat: at most 256 KiB", f"{growth[name] / 1024:.0f} KiB", growth[name] <= 256 * 1024))
    return made


def _sizes(facts: dict) -> list[Goal]:
    made = [Goal("`ntlm auth`, from its start to its first answer", "at most 5 ms", f"{facts['auth']:.1f} ms", facts["auth"] <= 5)]
    if "builds" in facts:
        seconds, crates = facts["builds"]["core"]
        of_sspi, crates_of_sspi = facts["builds"]["sspi"]
        made += [
            Goal("clean release build of crate `ntlm`", "at most 10 s", f"{seconds:.1f} s (sspi: {of_sspi:.0f} s)", seconds <= 10),
            Goal("crates in it", "at most 20", f"{crates:.0f} (sspi: {crates_of_sspi:.0f})", crates <= 20),
        ]
    if "libraries" in facts:
        for which, bound in (("with SQLite", 2_000_000), ("without", 1_000_000)):
            size = facts["libraries"][which]
            what = f"`libntlmsspi.so`, stripped, {which}" + (" built for size" if which == "with SQLite" else "")
            made.append(Goal(what, f"at most {bound // 1_000_000} MB", f"{size / 1e6:.2f} MB", size <= bound))
    return made


def _http(facts: dict) -> list[Goal]:
    if "http" not in facts:
        return []
    layer, logons, apache = (facts["http"][name] for name in ("layer", "logons", "apache"))
    return [
        _at_least("requests on an authenticated connection", 0.9, [layer], "the same axum service without the layer"),
        _at_least(f"logons over HTTP, connecting included ({logons:,.0f} a second)", 10, [logons / apache], f"Apache with gss-ntlmssp ({apache:,.0f})"),
    ]
