//! Holds our implementation against programs that nobody here wrote: every counterpart of `interop/peers`, in every role it has.
//!
//! ```text
//! ntlm-interop [--ntlm PATH] [--list] [WORD...]
//! ```
//!
//! Runs the checks whose names contain every WORD. What counterparts can do stands in the tables here; what is checked of those that can, in
//! [`checks`].

#![forbid(unsafe_code)]

mod checks;
mod helper;
mod ours;
mod peer;
mod process;
mod run;
mod side;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use checks::Check;
use checks::Does::{Bind, Mic, NoMic, NtlmV1, Sign, SignNothing};
use checks::clients::{self, Client};
use checks::helpers::{self, Pair};
use checks::servers::{self, Server, Words};
use helper::Program::{Ours, Samba};
use process::Programs;

/// Who logs on to our server.
const CLIENTS: &[Client] = &[
    Client { peer: "samba_peer", options: &[], does: &[Mic] },
    Client { peer: "samba_gensec", options: &[], does: &[Mic, Sign, SignNothing] },
    Client { peer: "gss_ntlmssp", options: &[], does: &[NoMic, Sign, Bind, NtlmV1] },
    Client { peer: "gss_ntlmssp", options: &["--mic"], does: &[Mic, Sign, Bind] },
    Client { peer: "pyspnego_peer", options: &[], does: &[Mic, Sign, SignNothing, Bind, NtlmV1] },
    Client { peer: "impacket_client", options: &[], does: &[NoMic, Sign, SignNothing, Bind] },
    // Sends a MIC, right but not announced, and nobody can rely on that.
    Client { peer: "impacket_client", options: &["--mic"], does: &[NoMic, Sign, SignNothing, Bind] },
];

/// Whom our client logs on to.
const SERVERS: &[Server] = &[
    Server {
        peer: "samba_peer",
        does: &[],
        words: Words {
            password: "NT_STATUS_LOGON_FAILURE",
            mic: "NT_STATUS_INVALID_PARAMETER",
            channel: "",
            ntlmv1: "",
        },
    },
    Server {
        peer: "gss_ntlmssp",
        does: &[Sign, Bind, NtlmV1],
        words: Words {
            password: "Invalid argument",
            mic: "Permission denied",
            channel: "Permission denied",
            ntlmv1: "NTLM version 1 not allowed",
        },
    },
    Server {
        peer: "pyspnego_peer",
        does: &[Sign, SignNothing, Bind, NtlmV1],
        words: Words {
            password: "Invalid NTLM response",
            mic: "Invalid MIC",
            channel: "Invalid channel bindings",
            ntlmv1: "set to reject NTv1 responses",
        },
    },
];

/// Whose helper logs on to whose.
const HELPERS: &[Pair] =
    &[Pair { client: Ours, server: Samba }, Pair { client: Samba, server: Ours }, Pair { client: Ours, server: Ours }];

fn main() -> ExitCode {
    let mut programs = Programs {
        peer: Path::new(env!("CARGO_MANIFEST_DIR")).join("../peer"),
        ntlm_auth: env::var_os("NTLM_AUTH").map_or_else(|| "ntlm_auth".into(), PathBuf::from),
        ntlm: None,
    };
    let (mut words, mut list) = (Vec::new(), false);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--ntlm" => programs.ntlm = arguments.next().map(PathBuf::from),
            "--list" => list = true,
            word if word.starts_with('-') => {
                eprintln!("usage: ntlm-interop [--ntlm PATH] [--list] [WORD...]");
                return ExitCode::from(2);
            }
            _ => words.push(argument),
        }
    }
    let mut checks: Vec<Check> =
        clients::checks(CLIENTS).chain(servers::checks(SERVERS)).chain(helpers::checks(HELPERS)).collect();
    checks.retain(|check| words.iter().all(|word| check.name.contains(word)));
    if checks.is_empty() {
        eprintln!("no check has all of these words in its name: {}", words.join(" "));
        return ExitCode::from(2);
    }
    if list {
        checks.iter().for_each(|check| println!("{}", check.name));
        return ExitCode::SUCCESS;
    }
    if run::run(&checks, &programs) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
