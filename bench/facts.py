"""What is no rate: memory, builds, sizes, the start of the command, and where all this was measured."""

import base64
import datetime
import os
import platform
import re
import shutil
import statistics
import struct
import subprocess
import time
from pathlib import Path

from peers import HERE, PEERS, ROOT, Programs, output

ANSWERS = 31


def machine() -> dict[str, str]:
    cpu = _field(Path("/proc/cpuinfo"), "model name")
    virtual = ", a virtual machine" if "hypervisor" in _field(Path("/proc/cpuinfo"), "flags").split() else ""
    gigabytes = int(_field(Path("/proc/meminfo"), "MemTotal").split()[0]) / 1024 / 1024
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return {
        "processor": f"{cpu}, {len(os.sched_getaffinity(0))} cores{virtual}",
        "memory": f"{gigabytes:.0f} GiB",
        "system": f"{system}, Linux {platform.release()}, {' '.join(platform.libc_ver())}",
        "compilers": f"{output('rustc', '--version')}; {output('gcc', '--version').splitlines()[0]}; {output('openssl', 'version').partition('(')[0].strip()}",
        "date": datetime.date.today().isoformat(),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def gather(programs: Programs, quick: bool) -> dict[str, object]:
    facts: dict[str, object] = {
        "agreed": {name: programs.ask(name, "agreed").split() for name in PEERS},
        "memory": {name: programs.ask(name, "memory").split() for name in PEERS},
        "short": programs.ask("core", "short-agreed").split(),
        "counted": [int(word) for word in programs.ask("core", "counted").split()],
        "primitives": [int(word) for word in programs.ask("primitives", "count").split()],
        "auth": _first_answer(programs),
    }
    handshakes = 100_000 if quick else 1_000_000
    facts["growth"] = {
        "handshakes": handshakes,
        **{name: int(programs.ask(name, "growth", handshakes)) for name in ("core", "c-table")},
    }
    if not quick:
        facts["builds"] = _builds(programs.bin)
        facts["libraries"] = _libraries(programs.bin)
        facts["http"] = _http()
    return facts


def _first_answer(programs: Programs) -> float:
    """Milliseconds from the start of `ntlm auth` to its CHALLENGE_MESSAGE."""
    negotiate = struct.pack("<8sII16x8s", b"NTLMSSP", 1, 0xE208_8237, bytes([10, 0, 0x63, 0x45, 0, 0, 0, 15]))
    request = f"YR {base64.b64encode(negotiate).decode()}\n"
    command = [str(programs.ours / "ntlm"), "auth", "--helper-protocol=squid-2.5-ntlmssp", "--password=Al1ce-Passw0rd"]
    times = []
    for _ in range(ANSWERS):
        start = time.perf_counter()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as helper:
            helper.stdin.write(request)
            helper.stdin.flush()
            answer = helper.stdout.readline()
            times.append((time.perf_counter() - start) * 1000)
            helper.stdin.close()
        if not answer.startswith("TT "):
            raise SystemExit(f"ntlm auth says {answer!r}")
    return statistics.median(times)


def _builds(bin: Path) -> dict[str, list[float]]:
    """Seconds and crates of clean release builds of a crate alone."""
    return {"core": _build(bin, ROOT / "Cargo.toml", "ntlm"), "sspi": _build(bin, HERE / "rust/Cargo.toml", "sspi")}


def _build(bin: Path, manifest: Path, package: str) -> list[float]:
    target = bin / "clean"
    command = ["cargo", "build", "--release", "--locked", "--manifest-path", str(manifest), "-p", package, "--target-dir", str(target)]
    subprocess.run(["cargo", "fetch", "--quiet", "--locked", "--manifest-path", str(manifest)], check=True)
    shutil.rmtree(target, ignore_errors=True)
    start = time.perf_counter()
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - start
    shutil.rmtree(target)
    return [seconds, sum(line.lstrip().startswith("Compiling ") for line in done.stderr.splitlines())]


def _libraries(bin: Path) -> dict[str, int]:
    """Bytes of libntlmsspi.so, stripped."""
    return {"with SQLite": _library(bin, []), "without": _library(bin, ["--no-default-features"])}


def _library(bin: Path, features: list[str]) -> int:
    target = bin / "sizes"
    # By itself, as cargo-c makes it.
    command = ["cargo", "rustc", "--quiet", "--release", "--locked", "-p", "ntlm-capi", "--lib", "--crate-type", "cdylib", "--target-dir", str(target), *features]
    subprocess.run(command, cwd=ROOT, check=True)
    stripped = target / "stripped.so"
    subprocess.run(["strip", "-o", str(stripped), str(target / "release/libntlmsspi.so")], check=True)
    return stripped.stat().st_size


def _http() -> dict[str, float]:
    """What the layer leaves of an axum service's requests, and logons per second on new connections, ours and Apache's with mod_auth_gssapi over gss-ntlmssp."""
    bench = ["cargo", "bench", "--quiet", "--locked", "-p", "ntlm-http", "--features", "axum", "--bench", "server"]
    layer = subprocess.run(bench, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    load = subprocess.run(
        [str(ROOT / "interop/load.sh")], cwd=ROOT, env={**os.environ, "LOAD_SECONDS": "10"}, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    ours, apache = re.search(r"logons per second: ours (\d+), Apache with gss-ntlmssp (\d+)", load).groups()
    return {"layer": float(re.search(r"ratio, median of .* ([\d.]+)", layer).group(1)), "logons": float(ours), "apache": float(apache)}


def _field(file: Path, name: str) -> str:
    for line in file.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"
