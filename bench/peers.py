"""The peers: what they are, how they are called, which version they have."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

OURS = ["core", "ntlm-sspi", "c-table"]
OTHERS = ["sspi", "winpr", "gss-ntlmssp", "pyspnego"]
PEERS = OURS + OTHERS

TITLES = {
    "core": "ntlm",
    "ntlm-sspi": "ntlm-sspi",
    "c-table": "libntlmsspi",
    "sspi": "sspi",
    "winpr": "WinPR",
    "gss-ntlmssp": "gss-ntlmssp",
    "pyspnego": "pyspnego",
}

DESCRIPTIONS = {
    "core": "the core crate",
    "ntlm-sspi": "the core behind SSPI's handles, Rust",
    "c-table": "the same behind the C function table",
    "sspi": "Rust, from the cargo registry",
    "winpr": "C with OpenSSL, from Debian",
    "gss-ntlmssp": "C with OpenSSL behind MIT's GSSAPI, from Debian",
    "pyspnego": "Python with cryptography, from PyPI",
}


@dataclass(frozen=True)
class Programs:
    """Where run.sh has put what it built."""

    bin: Path

    @property
    def ours(self) -> Path:
        """What the project's own workspace builds."""
        return self.bin.parent / "release"

    def command(self, name: str) -> list[str]:
        """Of a peer, of the bare primitives (`primitives`), or of OpenSSL's (`openssl`)."""
        if name == "pyspnego":
            return [str(self.bin / "venv/bin/python"), str(HERE / "pyspnego_peer.py")]
        directory = self.bin / "rust/release" if name in ("core", "ntlm-sspi", "sspi", "primitives") else self.bin
        return [str(directory / name)]

    def ask(self, name: str, work: str, size: int = 0, milliseconds: int = 0) -> str:
        """What the program prints, without the newline."""
        command = [*self.command(name), work, str(size), str(milliseconds)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def versions(self) -> dict[str, str]:
        ours = _metadata_version("ntlm", ROOT / "Cargo.toml")
        pip = (self.bin / "venv/requirements.txt").read_text().split()
        return {
            **dict.fromkeys(OURS, ours),
            "sspi": _metadata_version("sspi", HERE / "rust/Cargo.toml"),
            "winpr": _package_version("libwinpr2-2"),
            "gss-ntlmssp": _package_version("gss-ntlmssp"),
            "pyspnego": next(line.partition("==")[2] for line in pip if line.startswith("pyspnego==")),
        }


def output(*command: str) -> str:
    return subprocess.check_output(command, text=True).strip()


def _metadata_version(package: str, manifest: Path) -> str:
    spec = output("cargo", "pkgid", "--manifest-path", str(manifest), package)
    return spec.rpartition("#")[2].rpartition("@")[2]


def _package_version(package: str) -> str:
    version = output("dpkg-query", "-W", "-f", "${Version}", package)
    return version.partition(":")[2] or version
