#!/usr/bin/env python3
"""Measures, and reports: called by run.sh, which has built everything."""

import argparse
import json
from pathlib import Path

import facts
import report
import rounds
from peers import HERE, ROOT, Programs


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/run.sh")
    parser.add_argument("--bin", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="one round, and nothing is written into the repository")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--milliseconds", type=int, default=300, help="for each rate of a round")
    arguments = parser.parse_args()
    programs = Programs(arguments.bin)
    count = 1 if arguments.quick else arguments.rounds

    machine = facts.machine()
    results = {
        "machine": machine,
        "settings": {"rounds": count, "milliseconds": arguments.milliseconds},
        "versions": programs.versions(),
        "facts": facts.gather(programs, arguments.quick),
        "rates": rounds.measure(programs, count, arguments.milliseconds),
    }
    results_directory, page_directory = HERE, ROOT
    if arguments.quick:
        results_directory = page_directory = arguments.bin / "quick"
        results_directory.mkdir(exist_ok=True)
    (results_directory / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    report.write(results, page_directory / "BENCHMARKS.md", results_directory / "sealing.svg")


if __name__ == "__main__":
    main()
