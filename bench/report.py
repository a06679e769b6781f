#!/usr/bin/env python3
"""Tables of what was measured: printed, and written between the markers of BENCHMARKS.md. `bench/report.py` makes them again from bench/results.json."""

import json
import statistics
from pathlib import Path

import chart
from goals import goals
from peers import DESCRIPTIONS, HERE, OURS, PEERS, ROOT, TITLES
from rounds import SIGNED, SIZES, THREADED, Rates, fastest_other, median, ratios

BEGIN = "<!-- written by bench/run.sh: do not edit -->"
END = "<!-- end of what bench/run.sh writes -->"

Table = list[list[str]]


def write(results: dict, page: Path, svg: Path) -> None:
    svg.write_text(chart.sealing(results["rates"]))
    sections = _sections(results)
    for title, table, note in sections:
        print(f"\n{title}\n{note}\n\n{_aligned(table)}" if note else f"\n{title}\n\n{_aligned(table)}")
    before, _, rest = (ROOT / "BENCHMARKS.md").read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    body = "\n\n".join(f"## {title}\n\n{note + chr(10) + chr(10) if note else ''}{_markdown(table)}" for title, table, note in sections)
    page.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}")
    print(f"\nwritten: {page}, {svg}")


def _sections(results: dict) -> list[tuple[str, Table, str]]:
    rates, settings, machine = results["rates"], results["settings"], results["machine"]
    rounds = settings["rounds"]
    how = f"Medians of {rounds} alternating rounds of {settings['milliseconds']} ms for each figure; ratios are medians of the ratios within a round."
    if rounds < 5:
        how = f"A trial run ({rounds} round): nothing to quote."
    return [
        ("Where and when", [["", ""], *[[key, value] for key, value in machine.items()]], ""),
        ("Goals", _goals(results), "Ratios are medians over the rounds; after them the lowest and the highest."),
        ("Rates", _rates(rates), f"{how} Handshakes per second; for messages MB/s (10^6 bytes). `ntlm`, `ntlm-sspi` and `libntlmsspi` are ours."),
        ("Two threads", _threads(rates), "Each on contexts of its own, by the clock on the wall, sums over the threads. Bare MD5 shows what the machine gave to two threads: less than 2 there means busy cores."),
        ("Bare primitives", _primitives(rates), f"Over {SIGNED // 1024} KiB, in the same rounds."),
        ("Memory", _memory(results["facts"]), "Bytes for one, of 1,000 that are held at once, as malloc counts them with its own overhead; for pyspnego as tracemalloc counts Python's."),
        ("What was agreed on", _agreed(results), "The flags in force, and the bytes of two of the messages: longer ones are more work."),
    ]


def _goals(results: dict) -> Table:
    verdicts = {True: "yes", False: "**no**", None: "-"}
    return [["what", "goal", "measured", "met"], *[[goal.what, goal.aim, goal.measured, verdicts[goal.met]] for goal in goals(results)]]


def _rates(rates: Rates) -> Table:
    table = [["", *[TITLES[name] for name in PEERS], "ntlm / sspi", "ntlm / fastest other"]]
    works = [("handshake", "handshake", None), ("handshake, sealed message each way", "handshake-message", None)]
    works += [(f"{work} {_size(size)}", f"{work} {size}", size) for work in ("seal", "unseal") for size in SIZES]
    works += [(f"{work} {_size(SIGNED)}", f"{work} {SIGNED}", SIGNED) for work in ("sign", "verify")]
    for what, group, size in works:
        row = [what]
        for name in PEERS:
            rate = median(rates, group, name)
            row.append("-" if rate is None else f"{rate:,.0f}" if size is None else f"{rate * size / 1e6:.0f}")
        fastest = fastest_other(rates, group)
        to_sspi, to_fastest = (statistics.median(ratios(rates, group, "core", other)) for other in ("sspi", fastest))
        table.append([*row, f"{to_sspi:.2f}", f"{to_fastest:.2f} ({TITLES[fastest]})"])
    return table


def _threads(rates: Rates) -> Table:
    table = [["", "", "one", "two", "ratio"]]
    rows = [("handshakes per second", "threads handshake", name, None) for name in [*OURS, "sspi"]]
    rows += [(f"sealing {_size(THREADED)}, MB/s", "threads seal", name, THREADED) for name in [*OURS, "sspi"]]
    rows.append((f"bare MD5 of {_size(SIGNED)}, MB/s", "threads seal", "md5", SIGNED))
    for what, group, name, size in rows:
        one, two = (median(rates, group, f"{name} {threads}") for threads in ("one-thread", "two-threads"))
        shown = [f"{rate:,.0f}" if size is None else f"{rate * size / 1e6:.0f}" for rate in (one, two)]
        ratio = statistics.median(ratios(rates, group, f"{name} two-threads", f"{name} one-thread"))
        table.append([what, TITLES.get(name, "md-5"), *shown, f"{ratio:.2f}"])
    return table


def _primitives(rates: Rates) -> Table:
    table = [["", "MB/s"]]
    for what, group, label in (
        ("MD5: RustCrypto's md-5", f"sign {SIGNED}", "md5"),
        ("MD5: what the core uses", f"sign {SIGNED}", "core-md5"),
        ("MD5: OpenSSL", f"sign {SIGNED}", "openssl-md5"),
        ("RC4: the core's", "rc4", "core-rc4"),
        ("RC4: OpenSSL", "rc4", "openssl-rc4"),
    ):
        table.append([what, f"{(median(rates, group, label) or 0) * SIGNED / 1e6:.0f}"])
    return table


def _memory(facts: dict) -> Table:
    rows = [[TITLES[name], *facts["memory"][name]] for name in PEERS]
    return [["", "half-open server context", "established pair", "after a message each way"], *rows, ["ntlm, as its `memory()` says", *map(str, facts["counted"])]]


def _agreed(results: dict) -> Table:
    table = [["", "", "version", "flags", "CHALLENGE", "AUTHENTICATE"]]
    for name in PEERS:
        table.append([TITLES[name], DESCRIPTIONS[name], results["versions"][name], *results["facts"]["agreed"][name]])
        if name == "core":
            table.append(["ntlm, short", "the same, with messages as short as sspi's", results["versions"][name], *results["facts"]["short"]])
    return table


def _size(size: int) -> str:
    return f"{size} B" if size < 1024 else f"{size // 1024} KiB"


def _is_number(text: str) -> bool:
    return text[:1].isdigit() or text == "-"


def _markdown(table: Table) -> str:
    head, *rows = table
    right = [all(_is_number(row[column]) for row in rows) for column in range(len(head))]
    rule = ["---:" if is_right else "---" for is_right in right]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def _aligned(table: Table) -> str:
    table = [[cell.replace("**", "").replace("`", "") for cell in row] for row in table]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    right = [all(_is_number(row[column]) for row in table[1:]) for column in range(len(widths))]
    lines = []
    for row in table:
        cells = [cell.rjust(width) if is_right else cell.ljust(width) for cell, width, is_right in zip(row, widths, right, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    write(json.loads((HERE / "results.json").read_text()), ROOT / "BENCHMARKS.md", HERE / "sealing.svg")
