#!/usr/bin/env python3
"""Seeds the corpora of the fuzz targets from testdata/: one file per message, named by the vector it comes from.

usage: fuzz/seed.py        (writes fuzz/corpus/TARGET/, which is not tracked)
"""
import base64
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
    """What c_calls/ reads: a table, then calls and what they take."""
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
        **identity_calls(),
        **extension_calls(),
    }
    for name, data in calls.items():
        for table in range(2):
            write("c_calls", f"{name}-{table}", bytes([table, *data]))
    for choice in range(128):
        write("c_calls", f"handshake-{choice}", bytes([0, 8, choice, 11, 1, 20, 0, 0, 0, 16, 6, choice, 1, 1]))


def identity_calls() -> dict[str, list[int]]:
    """Calls of the Sspi* functions: 27, which one, and what it takes."""
    make = [27, 0, 2, 2, 2, 1]
    # Strings, copy, compare, questions, marshal, unmarshal, exclude a package, use as credentials.
    each = [[2, 0, 0], [3, 0, 1], [4, 0, 0, 1], [5, 0, 0, 0, 0, 0], [6, 0, 0x11], [7, 1, 0, 0, 1, 1], [8, 0, 2], [15, 0]]
    uses = [byte for use in each for byte in (27, *use)]
    zero, free = [27, 9, 0], [byte for choice in range(3) for byte in (27, 10, 0, choice)]
    # A plain identity that says it is encrypted: choice, flags, four strings of one byte, not EX.
    encrypted = [3, 5, 0xF1, *(byte for _ in range(4) for byte in (0x09, 1, 0x61)), 1]
    lengths = {f"identity-length-{choice}": [27, 0, 2, 0, 4 | choice << 3, 1, *uses] for choice in range(6)}
    spoiled = {f"identity-spoiled-{place}": [*make, 27, 12, 0, place, 0x10, *uses, *zero] for place in range(4, 60)}
    return {
        "identities": [*make, *uses, 27, 11, 1, 5, *zero, *uses, *free],
        "identity-encrypted": [byte for use in each for byte in (27, use[0], *encrypted, *use[2:])],
        "hosts": [byte for name in (b"a/b:1/c", b"a/[::1]:2") for byte in (27, 14, 1, len(name), *name, 1)],
        **lengths,
        **spoiled,
    }


def extension_calls() -> dict[str, list[int]]:
    """Calls of what ntlm_sspi.h has: 30, which one, and what it takes."""
    # An authority's answers: status, kind and key in one byte, account and calls of its own in the other; then a logon and its name.
    logon = [8, 0, 16, 6, 1, 1, 1]
    calls = {
        f"authority-{first}-{second}": [30, 4, 30, 0, first, second, *logon]
        for first, second in [(154, choice) for choice in range(0, 256, 2)] + [(choice, 0) for choice in range(256)]
    }
    by_hash = [30, 6, 1, 2, 3, 2, 0x1B]
    # The byte with which an element's length is said as it should be, and the one with which all of the bytes are handed over.
    right = 31
    ends = [right, right, right, right]
    for prefix in range(4):
        for last in range(18):
            calls[f"certificate-{prefix}-{last}"] = [30, 8, 6, 100, right, 7 | prefix << 4, last, right, 1, *ends, 8, 32]
    for last in range(8):
        pss = [4, right, 4, 0x37, last, right, right, right, 0, right]
        calls[f"certificate-pss-{last}"] = [30, 8, 6, 100, right, *pss, *ends, 8, 96]
    return {
        **calls,
        "nt-hash": [*by_hash, 30, 7, 4, 1, 8, 16, 8, 24],
        "data": [30, 12, 16, *b"tls-exporter:012", right, 8, 32, 8, 96],
        "texts": [byte for status in range(256) for byte in (30, 14, 1, status, 0, 0, 0, 0)][: 64 * 8],
    }


def imports() -> None:
    """What import.rs reads: a format, then a file."""
    none, nt_hash = "X" * 32, "878D8014606CDA29677A44EFA1353FC7"
    files = {
        "user-file": "# users\nEXAMPLE:alice:secret\n\n:bob:with:colons\nbad\n",
        "smbpasswd": f"alice:1000:{none}:{nt_hash}:[U          ]:LCT-5EBB0D31:\nA\\b:1:{none}:{none}:[DU]:LCT-0:\n",
        "csv": f'User,domain,Password,nt_hash,disabled\nalice,EXAMPLE,"se,""cret",,\nbob,,,{nt_hash},yes\n"open,,x,,\n',
        "semicolons": "\ufeffuser;password\r\nalice;secret\r\n",
    }
    for name, text in files.items():
        for choice in range(4):
            write("import", f"{name}-{choice}", bytes([choice]) + text.encode())


def http_headers() -> None:
    """What http_header.rs reads: header values, a line for each request."""
    values = {
        "offers": 'Negotiate, NTLM\nBasic realm="a, NTLM b\\\\", Digest nonce=c, qop=auth , ,NTLM',
        "spnego": "Negotiate YIIBCwYGKwYBBQUC",
        "errors": "NTLM\nNTLM TlRM TVNT\nNTLM YW\nNTLM YW-_\nNTLM realm=x\nNegotiate YWK=\rNTLM",
    }
    for name, text in values.items():
        write("http_header", name, text.encode())


def http_logon(name: str, negotiate: bytes, authenticate: bytes) -> None:
    for scheme in ("NTLM", "negotiate"):
        lines = [f"{scheme} {base64.b64encode(token).decode()}" for token in (negotiate, authenticate)]
        write("http_header", f"{name}-{scheme}", "\n".join(lines).encode())


def primitives() -> None:
    """What primitives.rs reads: where to cut, two keys, and pieces with their lengths before them."""
    for cut in (0, 1, 70, 200, 255):
        for lengths in ([0], [1, 63, 64], [64] * 6, [55, 56, 57, 119, 120], [4, 255, 255, 3], [255] * 6):
            pieces = b"".join(bytes([length]) + bytes(range(length)) for length in lengths)
            write("primitives", f"{cut}-{'-'.join(map(str, lengths))}", bytes([cut]) + bytes(range(1, 33)) + pieces)


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
                http_logon(vector["id"], negotiate, authenticate)
                for choice in range(32):
                    head = bytes([choice]) + len(negotiate).to_bytes(2, "little")
                    write("acceptor", f"{vector['id']}-{choice}", head + negotiate + authenticate)
    for choice in range(32):
        write("unseal", str(choice), bytes([choice, 1, 0, 0, 0] + [0] * 12) + b"body")
    c_calls()
    imports()
    http_headers()
    primitives()
    # An exported context of the simplest form: no session, no optional parts.
    write("import_context", "none", b"NTLMCTX\x01\x01\x00\x04\x00" + bytes(36) + bytes(12) + b"\x00")


if __name__ == "__main__":
    main()
