//! A helper program that speaks Samba's own line protocols: `ntlm_auth`, and our `ntlm auth`.
//!
//! | request | reply | |
//! |---|---|---|
//! | `SF FEATURE...` | `OK` | what to ask for, or to demand |
//! | `YR` | `YR TOKEN` | `ntlmssp-client-1`: begins an exchange |
//! | `TT TOKEN` | `AF TOKEN` | the client's answer to the challenge; `PW` asks for the password first |
//! | `YR TOKEN` | `TT TOKEN` | `squid-2.5-ntlmssp`: begins an exchange |
//! | `KK TOKEN` | `AF DOMAIN\user` | the verdict; `NA REASON` and `BH REASON` are the others |
//! | `GK`, `GF` | `GK KEY`, `GF 0xFLAGS` | the session key and the flags |

use std::fmt;
use std::process::{Command, ExitStatus};

use crate::process::{Process, Programs};
use crate::side::{Account, Facts, Refusal, Request, Side, Transcript, decode, encode};

/// Whose helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Samba,
    Ours,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Samba => "ntlm_auth",
            Self::Ours => "ntlm auth",
        })
    }
}

impl Program {
    fn command(self, programs: &Programs) -> Result<Command, Refusal> {
        let mut command = match (self, &programs.ntlm) {
            (Self::Samba, _) => {
                let mut command = Command::new(&programs.ntlm_auth);
                command.arg("--configfile=/dev/null");
                command
            }
            (Self::Ours, Some(ntlm)) => {
                let mut command = Command::new(ntlm);
                command.arg("auth");
                command
            }
            (Self::Ours, None) => return Err(Refusal::Broken("no `ntlm` to check: say --ntlm PATH".to_owned())),
        };
        // Samba reads names and passwords in the locale's character set.
        command.env("LC_ALL", "C.UTF-8");
        Ok(command)
    }
}

/// A helper, running.
pub(crate) struct Helper {
    process: Process,
    role: Role,
}

enum Role {
    Client,
    Server { expects: Token, user: Option<String> },
}

#[derive(Clone, Copy)]
enum Token {
    Negotiate,
    Authenticate,
}

impl Helper {
    /// A client that logs on as `account`; without `password` it will ask for one.
    pub(crate) fn client(
        program: Program,
        programs: &Programs,
        account: Account,
        password: Option<&str>,
        transcript: &Transcript,
    ) -> Result<Self, Refusal> {
        let mut command = program.command(programs)?;
        command
            .arg("--helper-protocol=ntlmssp-client-1")
            .arg(format!("--username={}", account.user))
            .arg(format!("--domain={}", account.domain))
            .args(password.map(|password| format!("--password={password}")));
        let process = Process::start(&mut command, format!("{program} client"), transcript)?;
        Ok(Self { process, role: Role::Client })
    }

    /// A server that lets everybody in who knows `password`.
    pub(crate) fn server(
        program: Program,
        programs: &Programs,
        password: &str,
        transcript: &Transcript,
    ) -> Result<Self, Refusal> {
        let mut command = program.command(programs)?;
        command.arg("--helper-protocol=squid-2.5-ntlmssp").arg(format!("--password={password}"));
        let process = Process::start(&mut command, format!("{program} server"), transcript)?;
        Ok(Self { process, role: Role::Server { expects: Token::Negotiate, user: None } })
    }

    /// Asks for signing and sealing.
    pub(crate) fn want_security(&mut self) -> Result<(), Refusal> {
        let features = "NTLMSSP_FEATURE_SESSION_KEY NTLMSSP_FEATURE_SIGN NTLMSSP_FEATURE_SEAL";
        self.expect("OK", &format!("SF {features}")).map(drop)
    }

    /// Makes a request, and gives what stands behind `verb` in the reply.
    pub(crate) fn expect(&mut self, verb: &str, request: &str) -> Result<String, Refusal> {
        let reply = self.process.ask(request)?;
        behind(verb, &reply)
    }

    /// Reads a second line of a reply, and gives what stands behind `verb`.
    pub(crate) fn expect_more(&mut self, verb: &str) -> Result<String, Refusal> {
        let reply = self.process.line()?;
        behind(verb, &reply)
    }

    /// Ends the input, and with it the helper.
    pub(crate) fn end(self) -> Result<ExitStatus, Refusal> {
        self.process.end()
    }
}

fn behind(verb: &str, reply: &str) -> Result<String, Refusal> {
    match reply.split_once(' ').unwrap_or((reply, "")) {
        (found, rest) if found == verb => Ok(rest.to_owned()),
        _ => Err(Refusal::Theirs(reply.to_owned())),
    }
}

impl Side for Helper {
    fn ask(&mut self, request: Request<'_>) -> Result<Vec<u8>, Refusal> {
        let Request::Token(token) = request else {
            return Err(Refusal::Broken("a helper neither signs nor seals".to_owned()));
        };
        let encoded = encode(token);
        let (verb, request, next) = match &self.role {
            Role::Client if token.is_empty() => ("YR", "YR".to_owned(), Token::Negotiate),
            Role::Client => ("AF", format!("TT {encoded}"), Token::Negotiate),
            Role::Server { expects: Token::Negotiate, .. } => ("TT", format!("YR {encoded}"), Token::Authenticate),
            Role::Server { expects: Token::Authenticate, .. } => ("AF", format!("KK {encoded}"), Token::Negotiate),
        };
        let reply = self.expect(verb, &request);
        match &mut self.role {
            Role::Server { expects, user } => {
                let verdict = matches!(next, Token::Negotiate);
                *expects = next;
                *user = reply.as_ref().ok().filter(|_| verdict).cloned();
                if verdict { reply.map(|_| Vec::new()) } else { decode(&reply?) }
            }
            Role::Client => decode(&reply?),
        }
    }

    fn facts(&mut self) -> Result<Facts, Refusal> {
        let key = decode(&self.expect("GK", "GK")?)?.iter().map(|byte| format!("{byte:02x}")).collect();
        let flags = self.expect("GF", "GF")?;
        let digits = flags.strip_prefix("0x").filter(|digits| digits.len() == 8);
        let parsed = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let flags = parsed.ok_or_else(|| Refusal::Broken(format!("not flags: {flags}")))?;
        let user = match &self.role {
            Role::Client => None,
            Role::Server { user, .. } => user.clone(),
        };
        Ok(Facts { user, key: Some(key), flags: Some(flags) })
    }
}
