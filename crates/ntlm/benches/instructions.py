#!/usr/bin/env python3
"""Counts the instructions of each `measured_` function of instructions.rs, and compares them with those that were.

    crates/ntlm/benches/instructions.py            # fails when one has grown by more than 3 %
    crates/ntlm/benches/instructions.py --accept   # keeps the figures as they are now: in a commit that says why

The figures stand in instructions.json, for each version of the compiler: another compiler makes other instructions. For a version without figures nothing is
compared, and that is an error, too: accept them first. Needs valgrind.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
KEPT = HERE / "instructions.json"
GROWTH = 1.03


def build():
    command = ["cargo", "bench", "-p", "ntlm", "--bench", "instructions", "--no-run", "--locked", "--message-format=json"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in output.splitlines():
        message = json.loads(line)
        if message.get("target", {}).get("name") == "instructions" and message.get("executable"):
            return message["executable"]
    sys.exit("instructions.py: cargo built no benchmark")


def count(program):
    names = re.findall(r"\bmeasured_\w+", (HERE / "instructions.rs").read_text())
    counts = {}
    with tempfile.TemporaryDirectory() as directory:
        for name in sorted(set(names)):
            out = pathlib.Path(directory) / name
            command = [
                "valgrind", "--tool=callgrind", "--collect-atstart=no", f"--toggle-collect=*{name}", f"--callgrind-out-file={out}", program,
            ]
            run = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            collected = re.search(r"Collected : (\d+)", run.stderr)
            if run.returncode or not collected or collected.group(1) == "0":
                sys.exit(f"instructions.py: {name} was not measured:\n{run.stderr}")
            counts[name.removeprefix("measured_")] = int(collected.group(1))
    return counts


def main():
    if sys.argv[1:] not in ([], ["--accept"]):
        sys.exit(__doc__)
    compiler = subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[1]
    counts = count(build())
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    before = kept.get(compiler)
    if sys.argv[1:]:
        kept[compiler] = counts
        KEPT.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")
    elif before is None:
        sys.exit(f"instructions.py: there are no figures for Rust {compiler}: see --accept")
    grown = []
    for name, now in counts.items():
        was = (before or {}).get(name)
        ratio = now / was if was else 1
        print(f"{name:<28}{now:>12,}" + (f"{ratio:>9.3f}" if was else "      new"))
        if was is None or ratio > GROWTH:
            grown.append(name)
    if grown and not sys.argv[1:]:
        sys.exit(f"instructions.py: more instructions than were kept, or none kept: {', '.join(grown)}")


main()
