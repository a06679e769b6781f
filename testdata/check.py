#!/usr/bin/env python3
"""Recomputes every expected value of the known answers in this folder.

    python3 check.py            prints "N passed, N failed"; exit status 0 when nothing failed
    python3 check.py --list     also prints one line per vector

The values are computed by the formulas of MS-NLMP in plain Python, without any of the project's
Rust code (standard library only; MD4, DES and RC4 are written out here because OpenSSL 3 ships
them disabled). README.md describes the vectors and the meaning of each key.

A vector also fails when it has an expected value that nothing here computes, an input that
nothing here reads, a key that is not hex where hex is due, or an id that is used twice.
"""
import glob
import hashlib
import hmac
import json
import os
import re
import struct
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))


# ---------------------------------------------------------------------------- primitives
def md4(message):
    def rotate(x, n):
        x &= 0xFFFFFFFF
        return ((x << n) | (x >> (32 - n))) & 0xFFFFFFFF

    rounds = (
        (lambda x, y, z: (x & y) | (~x & z), 0, list(range(16)), (3, 7, 11, 19)),
        (lambda x, y, z: (x & y) | (x & z) | (y & z), 0x5A827999,
         [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15], (3, 5, 9, 13)),
        (lambda x, y, z: x ^ y ^ z, 0x6ED9EBA1,
         [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15], (3, 9, 11, 15)),
    )
    padded = message + b"\x80"
    padded += b"\0" * ((56 - len(padded)) % 64) + struct.pack("<Q", 8 * len(message))
    state = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
    for start in range(0, len(padded), 64):
        words = struct.unpack("<16I", padded[start:start + 64])
        a, b, c, d = state
        for mix, constant, order, shifts in rounds:
            for step, word in enumerate(order):
                a = rotate(a + mix(b, c, d) + words[word] + constant, shifts[step % 4])
                a, b, c, d = d, a, b, c
        state = tuple((x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d)))
    return struct.pack("<4I", *state)


def md5(data):
    return hashlib.md5(data).digest()


def hmac_md5(key, data):
    return hmac.new(key, data, hashlib.md5).digest()


def crc32(data):
    return struct.pack("<I", zlib.crc32(data) & 0xFFFFFFFF)


class Rc4:
    def __init__(self, key):
        self.s, self.i, self.j = list(range(256)), 0, 0
        j = 0
        for i in range(256):
            j = (j + self.s[i] + key[i % len(key)]) & 255
            self.s[i], self.s[j] = self.s[j], self.s[i]

    def __call__(self, data):
        out = bytearray()
        for byte in data:
            self.i = (self.i + 1) & 255
            self.j = (self.j + self.s[self.i]) & 255
            self.s[self.i], self.s[self.j] = self.s[self.j], self.s[self.i]
            out.append(byte ^ self.s[(self.s[self.i] + self.s[self.j]) & 255])
        return bytes(out)


def rc4(key, data):
    return Rc4(key)(data)


IP = [58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32,
      24, 16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5, 63, 55,
      47, 39, 31, 23, 15, 7]
FP = [40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31, 38, 6, 46, 14, 54, 22, 62, 30, 37, 5, 45, 13, 53,
      21, 61, 29, 36, 4, 44, 12, 52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27, 34, 2, 42, 10, 50, 18, 58, 26, 33, 1,
      41, 9, 49, 17, 57, 25]
EXPAND = [32, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12, 13, 12, 13, 14, 15, 16, 17, 16, 17, 18, 19, 20, 21,
          20, 21, 22, 23, 24, 25, 24, 25, 26, 27, 28, 29, 28, 29, 30, 31, 32, 1]
PERMUTE = [16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22,
           11, 4, 25]
PC1 = [57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36, 63,
       55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4]
PC2 = [14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47, 55,
       30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32]
SBOX = [
    [14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7, 0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12, 11, 9, 5, 3, 8, 4, 1,
     14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0, 15, 12, 8, 2, 4, 9, 1, 7, 5, 11, 3, 14, 10, 0, 6, 13],
    [15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10, 3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1, 10, 6, 9, 11, 5, 0, 14,
     7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15, 13, 8, 10, 1, 3, 15, 4, 2, 11, 6, 7, 12, 0, 5, 14, 9],
    [10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8, 13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5, 14, 12, 11, 15, 1, 13, 6,
     4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7, 1, 10, 13, 0, 6, 9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12],
    [7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15, 13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2, 12, 1, 10, 14, 9, 10, 6,
     9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4, 3, 15, 0, 6, 10, 1, 13, 8, 9, 4, 5, 11, 12, 7, 2, 14],
    [2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9, 14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15, 10, 3, 9, 8, 6, 4, 2,
     1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14, 11, 8, 12, 7, 1, 14, 2, 13, 6, 15, 0, 9, 10, 4, 5, 3],
    [12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11, 10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13, 14, 0, 11, 3, 8, 9, 14,
     15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6, 4, 3, 2, 12, 9, 5, 15, 10, 11, 14, 1, 7, 6, 0, 8, 13],
    [4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1, 13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5, 12, 2, 15, 8, 6, 1, 4,
     11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2, 6, 11, 13, 8, 1, 4, 10, 7, 9, 5, 0, 15, 14, 2, 3, 12],
    [13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7, 1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6, 11, 0, 14, 9, 2, 7, 11,
     4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8, 2, 1, 14, 7, 4, 10, 8, 13, 15, 12, 9, 0, 3, 5, 6, 11],
]


def des_key(key7):
    """Spreads 56 bits over 8 bytes, seven in the upper bits of each; parity bits zero."""
    value = int.from_bytes(key7, "big")
    return bytes(((value >> (49 - 7 * i)) & 0x7F) << 1 for i in range(8))


def des(key7, block):
    def bits(data):
        return [(byte >> (7 - i)) & 1 for byte in data for i in range(8)]

    def pick(table, value):
        return [value[i - 1] for i in table]

    selected = pick(PC1, bits(des_key(key7)))
    c, d = selected[:28], selected[28:]
    left_right = pick(IP, bits(block))
    left, right = left_right[:32], left_right[32:]
    for shift in (1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1):
        c, d = c[shift:] + c[:shift], d[shift:] + d[:shift]
        mixed = [a ^ b for a, b in zip(pick(EXPAND, right), pick(PC2, c + d))]
        out = []
        for box in range(8):
            q = mixed[box * 6:box * 6 + 6]
            value = SBOX[box][((q[0] << 1) | q[5]) * 16 + ((q[1] << 3) | (q[2] << 2) | (q[3] << 1) | q[4])]
            out += [(value >> 3) & 1, (value >> 2) & 1, (value >> 1) & 1, value & 1]
        left, right = right, [a ^ b for a, b in zip(left, pick(PERMUTE, out))]
    final = pick(FP, right + left)
    return bytes(int("".join(map(str, final[i:i + 8])), 2) for i in range(0, 64, 8))


def desl(key16, block):
    key = key16.ljust(21, b"\0")
    return des(key[:7], block) + des(key[7:14], block) + des(key[14:], block)


# --------------------------------------------------------------------------------- flags
UNICODE, OEM, SIGN, SEAL, DATAGRAM, LM_KEY = 0x1, 0x2, 0x10, 0x20, 0x40, 0x80
OEM_DOMAIN_SUPPLIED, OEM_WORKSTATION_SUPPLIED, ALWAYS_SIGN, ESS = 0x1000, 0x2000, 0x8000, 0x80000
NON_NT_KEY, TARGET_INFO, VERSION = 0x400000, 0x800000, 0x2000000
KEY_128, KEY_EXCH, KEY_56 = 0x20000000, 0x40000000, 0x80000000


# ------------------------------------------------------------------- one-way functions
# Windows upper-cases single UTF-16 units by a fixed table, not by Unicode's full rules.
UPCASE_UNCHANGED = (
    {0xB5, 0x131, 0x17F, 0x1C5, 0x1C8, 0x1CB, 0x1F2, 0x345, 0x3D0, 0x3D1, 0x3D5, 0x3D6, 0x3F0, 0x3F1, 0x3F5,
     0x1E9B, 0x1FBE}
    | set(range(0xD800, 0xE000)) | set(range(0x10D0, 0x1100)) | set(range(0x13F8, 0x13FE)) | set(range(0xAB70, 0xABC0))
)
UPCASE_FORCED = {start + i: start + i + 8 for start in (0x1F80, 0x1F90, 0x1FA0) for i in range(8)}
UPCASE_FORCED[0x1FB3] = 0x1FBC


def upcase_unit(unit):
    if unit in UPCASE_UNCHANGED:
        return unit
    if unit in UPCASE_FORCED:
        return UPCASE_FORCED[unit]
    upper = chr(unit).upper()
    return ord(upper) if len(upper) == 1 and ord(upper) <= 0xFFFF else unit


def utf16(text):
    return text.encode("utf-16-le")


def upcase(raw):
    return b"".join(struct.pack("<H", upcase_unit(unit)) for (unit,) in struct.iter_unpack("<H", raw))


def lmowfv1(password):
    oem = password.upper().encode("cp437")[:14].ljust(14, b"\0")
    return des(oem[:7], b"KGS!@#$%") + des(oem[7:], b"KGS!@#$%")


def ntowfv2(nt_hash, user, domain):
    return hmac_md5(nt_hash, upcase(user) + domain)


# --------------------------------------------------------------------------------- keys
def kxkey(flags, session_base_key, lm_hash, lm_response, server_challenge):
    """For NTLMv1 responses; with NTLMv2 the key exchange key is the session base key."""
    if flags & ESS:
        return hmac_md5(session_base_key, server_challenge + lm_response[:8])
    if flags & LM_KEY:
        return des(lm_hash[:7], lm_response[:8]) + des(lm_hash[7:8] + b"\xbd" * 6, lm_response[:8])
    if flags & NON_NT_KEY:
        return lm_hash[:8] + bytes(8)
    return session_base_key


def magic(sender, purpose):
    way = {"client": "client-to-server", "server": "server-to-client"}[sender]
    return f"session key to {way} {purpose} key magic constant\0".encode()


def signing_key(flags, key, sender):
    return md5(key + magic(sender, "signing")) if flags & ESS else None


def sealing_key(flags, key, sender):
    if flags & ESS:
        weakened = key if flags & KEY_128 else key[:7] if flags & KEY_56 else key[:5]
        return md5(weakened + magic(sender, "sealing"))
    if flags & LM_KEY or flags & DATAGRAM:      # DATAGRAM: for NTLMRevision 15 and later
        return key[:7] + b"\xa0" if flags & KEY_56 else key[:5] + b"\xe5\x38\xb0"
    return key


def signature(flags, handle, key, sequence, message):
    """Returns the signature, and without extended session security also the random pad."""
    number = struct.pack("<I", sequence)
    if not flags & (SIGN | SEAL) and flags & ALWAYS_SIGN:
        return b"\1\0\0\0" + bytes(12), None
    if flags & ESS:
        check = hmac_md5(key, number + message)[:8]
        return b"\1\0\0\0" + (handle(check) if flags & KEY_EXCH else check) + number, None
    pad, check, mask = handle(bytes(4)), handle(crc32(message)), handle(bytes(4))
    return b"\1\0\0\0" + bytes(4) + check + bytes(a ^ b for a, b in zip(mask, number)), pad


def with_pad(plain_signature, pad):
    return plain_signature[:4] + pad + plain_signature[8:]


# ----------------------------------------------------------------------------- messages
class Malformed(Exception):
    pass


class Message:
    """One NTLM message, read by the rules of MS-NLMP 2.2.1."""

    MINIMUM = {1: 16, 2: 32, 3: 64}
    DESCRIPTORS = {1: {"domain": 16, "workstation": 24},
                   2: {"target_name": 12, "target_info": 40},
                   3: {"lm_response": 12, "nt_response": 20, "domain": 28, "user": 36, "workstation": 44,
                       "encrypted_random_session_key": 52}}
    FLAGS_AT = {1: 12, 2: 20, 3: 60}

    def __init__(self, raw):
        if raw[:8] != b"NTLMSSP\0" or len(raw) < 12:
            raise Malformed("signature")
        self.raw, self.kind = raw, struct.unpack_from("<I", raw, 8)[0]
        if self.kind not in self.MINIMUM or len(raw) < self.MINIMUM[self.kind]:
            raise Malformed("header")
        self.flags = struct.unpack_from("<I", raw, self.FLAGS_AT[self.kind])[0]
        self.pieces, starts = {}, [len(raw)]
        for name, at in self.DESCRIPTORS[self.kind].items():
            if at + 8 > len(raw):
                self.pieces[name] = b""
                continue
            length, _, start = struct.unpack_from("<HHI", raw, at)
            if length and start + length > len(raw):
                raise Malformed(name)
            self.pieces[name] = raw[start:start + length] if length else b""
            if length:
                starts.append(start)
        self.payload = min(starts)

    def version(self):
        at = {1: 32, 2: 48, 3: 64}[self.kind]
        if self.flags & VERSION and self.payload >= at + 8 and self.mic_at() != at:
            return self.raw[at:at + 8]
        return None

    def mic_at(self):
        if self.kind != 3 or self.payload < 80:
            return None
        return 72 if self.payload >= 88 else 64

    def mic(self):
        at = self.mic_at()
        return None if at is None else self.raw[at:at + 16]

    def without_mic(self):
        at = self.mic_at()
        return self.raw if at is None else self.raw[:at] + bytes(16) + self.raw[at + 16:]

    def name(self, piece):
        """(key suffix, value): text where no code page is needed, else the OEM bytes as hex."""
        raw = self.pieces[piece]
        if self.flags & UNICODE and self.kind != 1:
            return "", raw.decode("utf-16-le")
        if all(byte < 128 for byte in raw):
            return "", raw.decode("ascii")
        return "_oem", raw.hex()

    def text16(self, piece):
        """A name as UTF-16 bytes, for hashing."""
        raw = self.pieces[piece]
        return raw if self.flags & UNICODE else utf16(raw.decode("ascii"))

    def facts(self):
        facts = {"message_type": self.kind, "length": len(self.raw), "flags": f"0x{self.flags:08x}"}
        if self.version() is not None:
            facts["version"] = self.version().hex()
        names = {1: [], 2: ["target_name"], 3: ["domain", "user", "workstation"]}[self.kind]
        if self.kind == 1:
            names = [name for name, flag in (("domain", OEM_DOMAIN_SUPPLIED),
                                             ("workstation", OEM_WORKSTATION_SUPPLIED)) if self.flags & flag]
        for name in names:
            suffix, value = self.name(name)
            facts[name + suffix] = value
        if self.kind == 2:
            facts["server_challenge"] = self.raw[24:32].hex()
            if self.flags & TARGET_INFO:
                facts["av_pairs"] = listed(av_pairs(self.pieces["target_info"])[0])
        if self.kind == 3:
            for name in ("lm_response", "nt_response", "encrypted_random_session_key"):
                facts[name] = self.pieces[name].hex()
            if self.mic() is not None:
                facts["mic"] = self.mic().hex()
            response = self.pieces["nt_response"]
            if len(response) > 24:
                if response[16:18] != b"\1\1":
                    raise Malformed("NTLMv2 response version")
                pairs = av_pairs(response[44:])[0]
                facts["timestamp"] = response[24:32].hex()
                facts["client_challenge"] = response[32:40].hex()
                facts["av_pairs"] = listed(pairs)
                by_id = dict(pairs)
                if 9 in by_id:
                    facts["spn"] = by_id[9].decode("utf-16-le")
                if 10 in by_id:
                    facts["channel_bindings"] = by_id[10].hex()
        return facts


def av_pairs(data):
    """The pairs before MsvAvEOL, and what follows it."""
    at, pairs = 0, []
    while True:
        if at + 4 > len(data):
            raise Malformed("AV pairs without end")
        kind, length = struct.unpack_from("<HH", data, at)
        if at + 4 + length > len(data):
            raise Malformed("AV pair beyond the end")
        if kind == 0:
            return pairs, data[at + 4:]
        pairs.append((kind, data[at + 4:at + 4 + length]))
        at += 4 + length


def listed(pairs):
    return [[kind, value.hex()] for kind, value in pairs]


# ------------------------------------------------------------------------ vector access
class Inputs:
    """The inputs of one vector; remembers which were read."""

    def __init__(self, values):
        self.values, self.used = values, set()

    def __contains__(self, key):
        return key in self.values

    def plain(self, key):
        self.used.add(key)
        return self.values[key]

    def hex(self, key):
        value = self.plain(key)
        return [bytes.fromhex(x) for x in value] if isinstance(value, list) else bytes.fromhex(value)

    def optional_hex(self, key):
        return self.hex(key) if key in self.values else None

    def flags(self):
        return int(self.plain("flags"), 16)

    def utf16(self, key):
        if key + "_utf16" in self.values:
            return self.hex(key + "_utf16")
        return utf16(self.plain(key))

    def nt_hash(self):
        return self.hex("nt_hash") if "nt_hash" in self.values else md4(self.utf16("password"))


# ------------------------------------------------------------------- one function per type
# Each returns {expected key: value}; it may return more than the vector states.
def type_md4(i):
    return {"digest": md4(i.hex("data"))}


def type_md5(i):
    return {"digest": md5(i.hex("data"))}


def type_hmac_md5(i):
    return {"digest": hmac_md5(i.hex("key"), i.hex("data"))}


def type_rc4(i):
    return {"output": rc4(i.hex("key"), i.hex("data"))}


def type_crc32(i):
    return {"checksum": crc32(i.hex("data"))}


def type_des_key(i):
    return {"key8": des_key(i.hex("key7"))}


def type_des(i):
    key, data = i.hex("key7"), i.hex("data")
    return {"ciphertext": b"".join(des(key, data[at:at + 8]) for at in range(0, len(data), 8))}


def type_ntowfv1(i):
    return {"nt_hash": md4(i.utf16("password"))}


def type_lmowfv1(i):
    return {"lm_hash": lmowfv1(i.plain("password"))}


def type_ntowfv2(i):
    return {"response_key_nt": ntowfv2(i.nt_hash(), i.utf16("user"), i.utf16("domain"))}


def type_upcase(i):
    return {"upper": upcase(i.utf16("text")).decode("utf-16-le")}


def type_v1_response(i):
    nt_hash, challenge = i.nt_hash(), i.hex("server_challenge")
    result = {"session_base_key": md4(nt_hash)}
    if "client_challenge" in i:
        client_challenge = i.hex("client_challenge")
        mixed = md5(challenge + client_challenge)[:8]
        return result | {"netlogon_challenge": mixed, "nt_response": desl(nt_hash, mixed),
                         "lm_response": client_challenge + bytes(16)}
    return result | {"nt_response": desl(nt_hash, challenge),
                     "lm_response": desl(lmowfv1(i.plain("password")), challenge)}


def type_v2_response(i):
    key = ntowfv2(i.nt_hash(), i.utf16("user"), i.utf16("domain"))
    challenge, client_challenge = i.hex("server_challenge"), i.hex("client_challenge")
    temp = (b"\1\1" + bytes(6) + i.hex("timestamp") + client_challenge + bytes(4) + i.hex("av_pairs") + bytes(4))
    proof = hmac_md5(key, challenge + temp)
    result = {"response_key_nt": key, "temp": temp, "nt_proof_str": proof,
              "lm_response": hmac_md5(key, challenge + client_challenge) + client_challenge,
              "session_base_key": hmac_md5(key, proof)}
    if "random_session_key" in i:
        result["encrypted_random_session_key"] = rc4(result["session_base_key"], i.hex("random_session_key"))
    return result


def type_logon(i):
    nt_hash, user, domain = i.nt_hash(), i.utf16("user"), i.utf16("domain")
    challenge, response = i.hex("server_challenge"), i.hex("nt_response")
    if len(response) == 24:
        accepted, base_key = response == desl(nt_hash, challenge), md4(nt_hash)
    else:
        key = ntowfv2(nt_hash, user, domain)
        proof = hmac_md5(key, challenge + response[16:])
        accepted, base_key = proof == response[:16], hmac_md5(key, proof)
    if not accepted:
        return {"accepted": False}
    result = {"accepted": True, "session_base_key": base_key}
    if "random_session_key" in i:
        result["encrypted_random_session_key"] = rc4(base_key, i.hex("random_session_key"))
    return result


def type_kxkey(i):
    flags, result = i.flags(), {}
    if "password" in i:
        password = i.plain("password")
        lm_hash = i.hex("lm_hash") if "lm_hash" in i else lmowfv1(password)
        result["session_base_key"] = md4(md4(utf16(password)))
        key = kxkey(flags, result["session_base_key"], lm_hash, i.hex("lm_response"), i.hex("server_challenge"))
    else:
        key = bytes(16)
    result["key_exchange_key"] = key
    if "random_session_key" in i:
        result["encrypted_random_session_key"] = rc4(key, i.hex("random_session_key"))
    return result


def type_mic(i):
    return {"mic": hmac_md5(i.hex("exported_session_key"),
                            i.hex("negotiate") + i.hex("challenge") + i.hex("authenticate"))}


def type_session_keys(i):
    flags, key = i.flags(), i.hex("exported_session_key")
    return {f"{sender}_{kind}_key": function(flags, key, sender)
            for sender in ("client", "server")
            for kind, function in (("signing", signing_key), ("sealing", sealing_key))}


def conversation(i, messages, sealed):
    flags, key, sender = i.flags(), i.hex("exported_session_key"), i.plain("sender")
    handle, sign = Rc4(sealing_key(flags, key, sender)), signing_key(flags, key, sender)
    result = {"ciphertexts": [], "signatures": [], "signatures_with_random_pad": [], "refused_signatures": []}
    for sequence, message in enumerate(messages):
        if sealed:
            result["ciphertexts"].append(handle(message))
        if flags & ESS and flags & KEY_EXCH:
            # The deviation recorded as "refused": HMAC keyed with the sealing key.
            fork = Rc4(b"\0")
            fork.s, fork.i, fork.j = list(handle.s), handle.i, handle.j
            wrong, _ = signature(flags, fork, sealing_key(flags, key, sender), sequence, message)
            result["refused_signatures"].append(wrong)
        right, pad = signature(flags, handle, sign, sequence, message)
        result["signatures"].append(right)
        if pad is not None:
            result["signatures_with_random_pad"].append(with_pad(right, pad))
    return result


def type_seal(i):
    return conversation(i, i.hex("plaintexts"), True)


def type_sign(i):
    return conversation(i, i.hex("messages"), False)


def type_datagram_seal(i):
    flags, key, sender = i.flags(), i.hex("exported_session_key"), i.plain("sender")
    sequence, plaintext = i.plain("sequence_number"), i.hex("plaintext")
    message_key = md5(sealing_key(flags, key, sender) + struct.pack("<I", sequence))
    handle = Rc4(message_key)
    ciphertext = handle(plaintext)
    mac, _ = signature(flags, handle, signing_key(flags, key, sender), sequence, plaintext)
    return {"message_sealing_key": message_key, "ciphertext": ciphertext, "signature": mac}


def mech_list_mics(flags, key, mech_list):
    return {f"{sender}_mech_list_mic": signature(flags, Rc4(sealing_key(flags, key, sender)),
                                                 signing_key(flags, key, sender), 0, mech_list)[0]
            for sender in ("client", "server")}


def type_mech_list_mic(i):
    flags, key = i.flags(), i.hex("exported_session_key")
    result = mech_list_mics(flags, key, i.hex("mech_list"))
    if "plaintext" in i:
        # The RC4 state is that of before the mechListMIC again; the sequence number is not.
        handle, plaintext = Rc4(sealing_key(flags, key, "client")), i.hex("plaintext")
        result["client_ciphertext"] = handle(plaintext)
        result["client_signature"] = signature(flags, handle, signing_key(flags, key, "client"), 1, plaintext)[0]
    return result


def type_channel_bindings(i):
    packed = b""
    for side in ("initiator", "acceptor"):
        address = i.hex(side + "_address")
        packed += struct.pack("<II", i.plain(side + "_address_type"), len(address)) + address
    data = i.hex("application_data")
    packed += struct.pack("<I", len(data)) + data
    return {"packed": packed, "hash": md5(packed)}


def type_message(i):
    return Message(i.hex("message")).facts()


def type_malformed(i):
    kind = i.plain("message_type")
    try:
        message = Message(i.hex("message"))
    except Malformed:
        return {"refused": True}
    return {"refused": message.kind != kind}


def type_exchange(i):
    messages = {name: Message(i.hex(name)) for name in ("negotiate", "challenge", "authenticate") if name in i}
    result = {f"{name}.{key}": value for name, message in messages.items() for key, value in message.facts().items()}
    for name, kind in (("negotiate", 1), ("challenge", 2), ("authenticate", 3)):
        assert name not in messages or messages[name].kind == kind, name
    challenge, authenticate = messages["challenge"], messages["authenticate"]
    if "client_password" in i or "password" in i:
        account = i.plain("password")
        client = i.plain("client_password") if "client_password" in i else account
        result |= exchange_secrets(i, messages, client)
        result["accepted"] = proves(challenge, authenticate, account)
        assert proves(challenge, authenticate, client), "the response does not come from the client's password"
    mask = SIGN | SEAL | ESS | KEY_128 | KEY_56 | KEY_EXCH | LM_KEY | UNICODE | DATAGRAM
    both = authenticate.flags & (challenge.flags | ~mask)
    result["negotiated_flags"] = f"0x{both & 0xFFFFFFFF:08x}"
    return result


def proves(challenge, authenticate, password):
    nt_hash, server_challenge = md4(utf16(password)), challenge.raw[24:32]
    lm, nt = authenticate.pieces["lm_response"], authenticate.pieces["nt_response"]
    if len(nt) > 24:
        key = ntowfv2(nt_hash, authenticate.text16("user"), authenticate.text16("domain"))
        lm_right = len(lm) < 24 or not any(lm) or lm == hmac_md5(key, server_challenge + lm[16:]) + lm[16:]
        return nt[:16] == hmac_md5(key, server_challenge + nt[16:]) and lm_right
    if authenticate.flags & ESS:
        return nt == desl(nt_hash, md5(server_challenge + lm[:8])[:8])
    return nt == desl(nt_hash, server_challenge) and lm == desl(lmowfv1(password), server_challenge)


def exchange_secrets(i, messages, password):
    challenge, authenticate = messages["challenge"], messages["authenticate"]
    nt_hash, server_challenge = md4(utf16(password)), challenge.raw[24:32]
    lm, nt = authenticate.pieces["lm_response"], authenticate.pieces["nt_response"]
    result = {}
    if len(nt) > 24:
        key = ntowfv2(nt_hash, authenticate.text16("user"), authenticate.text16("domain"))
        result["nt_proof_str"] = hmac_md5(key, server_challenge + nt[16:])
        base_key = exchange_key = hmac_md5(key, result["nt_proof_str"])
    else:
        base_key = md4(nt_hash)
        exchange_key = kxkey(authenticate.flags, base_key, lmowfv1(password), lm, server_challenge)
    encrypted = authenticate.pieces["encrypted_random_session_key"]
    exported = rc4(exchange_key, encrypted) if authenticate.flags & KEY_EXCH else exchange_key
    result |= {"session_base_key": base_key, "key_exchange_key": exchange_key, "exported_session_key": exported}
    if "negotiate" in messages:
        covered = messages["negotiate"].raw + challenge.raw + authenticate.without_mic()
        mic = hmac_md5(exported, covered)
        if mic == authenticate.mic():       # stated only where the message carries the right one
            result["mic"] = mic
    if "mech_list" in i:
        result |= mech_list_mics(authenticate.flags, exported, i.hex("mech_list"))
    return result


def type_credential_line(i):
    line = i.plain("line")
    smbpasswd = re.fullmatch(r"([^:]+):\d+:([0-9A-Fa-f]{32}):([0-9A-Fa-f]{32}):\[[^\]]*\]:LCT-[0-9A-Fa-f]+", line)
    if smbpasswd:
        account, lm_hash, nt_hash = smbpasswd.groups()
        domain, user = account.split("\\", 1) if "\\" in account else (None, account)
        result = {"lm_hash": bytes.fromhex(lm_hash), "nt_hash": bytes.fromhex(nt_hash)}
    else:
        domain, user, password = line.split(":", 2)
        result = {"lm_hash": lmowfv1(password), "nt_hash": md4(utf16(password))}
    fold = lambda text: (text or "").upper()
    found = (fold(i.plain("lookup_user")), fold(i.plain("lookup_domain"))) == (fold(user), fold(domain))
    return result | {"user": user, "domain": domain or None, "found": found}


# ------------------------------------------------------------------------------- checking
DES_PARITY_FREE = {("des_key", "key8")}
LOWER_HEX = re.compile(r"(?:[0-9a-f]{2})*\Z")


def same(kind, key, want, got):
    if (kind, key) in DES_PARITY_FREE:
        published = bytes.fromhex(want)
        parities = {bin(byte).count("1") & 1 for byte in published}
        plain = all(byte & 1 == 0 for byte in published)
        return bytes(byte & 0xFE for byte in published) == got and (plain or parities == {1})
    if isinstance(got, (bytes, bytearray)):
        return isinstance(want, str) and LOWER_HEX.match(want) is not None and want == got.hex()
    if isinstance(got, list) and got and isinstance(got[0], bytes):
        return want == [item.hex() for item in got]
    return type(want) is type(got) and want == got


def show(value):
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, list):
        return [show(item) for item in value]
    return value


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def record(self, ok, where, what=""):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {where}: {what}")


def shape_errors(vector):
    allowed = {"id": str, "type": str, "source": str, "inputs": dict, "expected": dict, "note": str}
    for key, kind in allowed.items():
        if key not in vector and key != "note":
            yield f"no {key}"
        elif key in vector and not isinstance(vector[key], kind):
            yield f"{key} is not a {kind.__name__}"
    for key in vector:
        if key not in allowed:
            yield f"unknown key {key}"
    if not vector.get("expected"):
        yield "nothing expected"


def check_vector(vector, where, tally):
    problems = list(shape_errors(vector))
    function = globals().get("type_" + str(vector.get("type")))
    if function is None:
        problems.append(f"unknown type {vector.get('type')}")
    if problems:
        tally.record(False, where, "; ".join(problems))
        return
    inputs = Inputs(vector["inputs"])
    try:
        computed = function(inputs)
    except Exception as error:
        tally.record(False, where, f"{type(error).__name__}: {error}")
        return
    for key, want in vector["expected"].items():
        if key not in computed:
            tally.record(False, where, f"nothing computes {key}")
        else:
            tally.record(same(vector["type"], key, want, computed[key]), where,
                         f"{key}\n   states   {want}\n   computed {show(computed[key])}")
    unread = set(vector["inputs"]) - inputs.used
    if unread:
        tally.record(False, where, f"inputs without effect: {', '.join(sorted(unread))}")
    if vector["type"] == "exchange":
        for name in ("negotiate", "challenge", "authenticate"):
            if name in vector["inputs"]:
                stated = {key for key in vector["expected"] if key.startswith(name + ".")}
                missing = {key for key in computed if key.startswith(name + ".")} - stated
                if missing:
                    tally.record(False, where, f"not stated: {', '.join(sorted(missing))}")
    if vector["type"] == "message" and set(computed) - set(vector["expected"]):
        tally.record(False, where, f"not stated: {', '.join(sorted(set(computed) - set(vector['expected'])))}")


def main():
    tally, seen, contents = Tally(), {}, {}
    for path in sorted(glob.glob(os.path.join(HERE, "*.json"))):
        name = os.path.basename(path)
        with open(path, encoding="utf-8") as stream:
            document = json.load(stream)
        if set(document) != {"description", "source", "vectors"} or not document["vectors"]:
            tally.record(False, name, "must hold description, source and vectors")
            continue
        for vector in document["vectors"]:
            where = f"{name}: {vector.get('id')}"
            before = tally.passed, tally.failed
            if vector.get("id") in seen:
                tally.record(False, where, f"the id is also in {seen[vector['id']]}")
            seen[vector.get("id")] = name
            content = json.dumps([vector.get("type"), vector.get("inputs")], sort_keys=True)
            if content in contents:
                tally.record(False, where, f"same type and inputs as {contents[content]}")
            contents[content] = where
            check_vector(vector, where, tally)
            if "--list" in sys.argv:
                print(f"{name:32} {vector.get('type'):18} {vector.get('id'):58} "
                      f"{tally.passed - before[0]} ok, {tally.failed - before[1]} failed")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
