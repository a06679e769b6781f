#!/usr/bin/env python3
"""Seeds the corpora of the fuzz targets from testdata/: one file per message, named by the vector it comes from.

usage: fuzz/seed.py        (writes fuzz/corpus/TARGET/, which is not tracked)
"""
import json
import pathlib
import re

FUZZ = pathlib.Path(__file__).resolve().parent
TARGETS = {1: "negotiate", 2: "challenge", 3: "authenticate"}


def write(target: str, name: str, data: bytes) -> None:
    folder = FUZZ / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / re.sub(r"[^\w.-]", "_", name)).write_bytes(data)


def ntlmv2_response(authenticate: bytes) -> bytes:
    length = int.from_bytes(authenticate[20:22], "little")
    offset = int.from_bytes(authenticate[24:28], "little")
    return authenticate[offset : offset + length] if length > 24 else b""


def message(name: str, data: bytes) -> None:
    kind = TARGETS.get(int.from_bytes(data[8:12], "little"))
    if kind is None:
        return
    write(kind, name, data)
    if kind == "challenge":
        for choice in range(16):
            write("client", f"{name}-{choice}", bytes([choice]) + data)
        length = int.from_bytes(data[40:42], "little")
        offset = int.from_bytes(data[44:48], "little")
        write("av_pairs", name, data[offset : offset + length])
    if kind == "authenticate":
        response = ntlmv2_response(data)
        if response:
            write("ntlmv2_response", name, response)


def c_calls() -> None:
    """What c_calls.rs reads: a table, then calls and what they take."""
    handshake, leg_input, acquire = [8, 0], [1, 0, 0, 1], [0, 7, 3, 1, 1]
    client = [2, 6, 0, 2, 7, *leg_input, 1, 3, 1], [2, 6, 1, 0x0B, 2, 7, *leg_input, 3, 1]
    server = [5, 6, 0, 7, *leg_input, 3, 1], [5, 6, 1, 6, 7, *leg_input, 3, 1]
    calls = {
        "legs": [*acquire, *client[0], *server[0], *client[1], *server[1]],
        # Sealed and signed, both ways, unchanged and changed.
        "messages": [*handshake, *(byte for choice in range(1, 32, 2) for byte in (11, choice, 20, 0, 0, 0))],
        "attributes": [*handshake, *(byte for attribute in range(36) for byte in (16, 6, attribute, 1, 1))],
        "move": [*handshake, 22, 6, 1, 1, 23, 7, 0, 0, 11, 1, 20, 0, 0, 0],
        "closed": [*handshake, 19, 6, 19, 6, 16, 6, 0, 1, 1, 20, 6, 20, 6, 24, 0, 21, 3, 0, 21, 3, 0],
        "unsupported": [*handshake, *(byte for choice in range(9) for byte in (26, 6, 6, choice, 0, 0, 0, 0))],
    }
    for name, data in calls.items():
        for table in range(2):
            write("c_calls", f"{name}-{table}", bytes([table, *data]))
    for choice in range(16):
        write("c_calls", f"handshake-{choice}", bytes([0, 8, choice, 11, 1, 20, 0, 0, 0, 16, 6, choice, 1, 1]))


def main() -> None:
    for file in sorted((FUZZ.parent / "testdata").glob("*.json")):
        for vector in json.loads(file.read_text())["vectors"]:
            inputs = vector["inputs"]
            tokens = {key: bytes.fromhex(inputs[key]) for key in ("message", "negotiate", "challenge", "authenticate") if key in inputs}
            for key, data in tokens.items():
                if data[:8] == b"NTLMSSP\0":
                    message(f"{vector['id']}-{key}", data)
            authenticate = tokens.get("authenticate")
            if authenticate:
                negotiate = tokens.get("negotiate") or bytes.fromhex("4e544c4d5353500001000000978208e2000000000000000000000000000000000a0063450000000f")
                for choice in range(32):
                    head = bytes([choice]) + len(negotiate).to_bytes(2, "little")
                    write("acceptor", f"{vector['id']}-{choice}", head + negotiate + authenticate)
    for choice in range(32):
        write("unseal", str(choice), bytes([choice, 1, 0, 0, 0] + [0] * 12) + b"body")
    c_calls()
    # An exported context of the simplest form: no session, no optional parts.
    write("import_context", "none", b"NTLMCTX\x01\x01\x00\x04\x00" + bytes(36) + bytes(12) + b"\x00")


if __name__ == "__main__":
    main()
