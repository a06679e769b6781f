//! A counterpart behind the line protocol (../../README.md).

use std::path::Path;
use std::process::Command;

use crate::process::Process;
use crate::side::{Account, Facts, Refusal, Request, Side, Transcript, decode};

/// A counterpart, running.
pub(crate) struct Peer {
    process: Process,
}

/// How to start a counterpart.
#[derive(Clone, Debug)]
pub(crate) struct Start<'a> {
    /// A file of `peers/` without its `.py`.
    pub(crate) name: &'a str,
    pub(crate) role: &'a str,
    pub(crate) account: Account,
    pub(crate) options: Vec<String>,
    pub(crate) environment: &'a [(&'a str, &'a str)],
}

impl Peer {
    /// Runs `launcher` and waits until the counterpart is ready.
    pub(crate) fn start(launcher: &Path, start: &Start<'_>, transcript: &Transcript) -> Result<Self, Refusal> {
        let Start { name, role, account, options, environment } = start;
        let mut command = Command::new(launcher);
        command
            .args([name, role])
            .args(options)
            .envs([
                ("INTEROP_USER", account.user),
                ("INTEROP_DOMAIN", account.domain),
                ("INTEROP_PASSWORD", account.password),
            ])
            .envs(environment.iter().copied());
        let mut process = Process::start(&mut command, format!("{name} {role}"), transcript)?;
        transcript.add(&format!("{name} {role}"), '#', &format!("{account:?} {} {environment:?}", options.join(" ")));
        let greeting = process.line()?;
        if !greeting.starts_with("ready ") {
            return Err(Refusal::Broken(format!("{name} {role} is not ready: {greeting}")));
        }
        Ok(Self { process })
    }

    /// Asks, and gives the fields behind the status.
    fn fields(&mut self, request: &str) -> Result<Vec<String>, Refusal> {
        let reply = self.process.ask(request)?;
        let (status, rest) = reply.split_once(' ').unwrap_or((&reply, ""));
        match status {
            "OK" | "CONTINUE" => Ok(rest.split_whitespace().map(str::to_owned).collect()),
            "ERR" => Err(Refusal::Theirs(rest.to_owned())),
            _ => Err(Refusal::Broken(format!("not a reply: {reply}"))),
        }
    }
}

impl Side for Peer {
    fn ask(&mut self, request: Request<'_>) -> Result<Vec<u8>, Refusal> {
        let fields = self.fields(&request.to_string())?;
        fields.first().map_or(Ok(Vec::new()), |field| decode(field))
    }

    fn facts(&mut self) -> Result<Facts, Refusal> {
        let broken = |field: &str| Refusal::Broken(format!("not a fact: {field}"));
        let mut facts = Facts::default();
        for field in self.fields("Q")? {
            match field.split_once('=').ok_or_else(|| broken(&field))? {
                (_, "-") => {}
                ("user", user) => {
                    facts.user = Some(String::from_utf8(decode(user)?).map_err(|_| broken(&field))?);
                }
                ("key", key) => facts.key = Some(key.to_owned()),
                ("flags", flags) => {
                    let digits = flags.trim_start_matches("0x");
                    facts.flags = Some(u32::from_str_radix(digits, 16).map_err(|_| broken(&field))?);
                }
                _ => return Err(broken(&field)),
            }
        }
        Ok(facts)
    }
}
