//! Counterparts that our client logs on to.

use std::fmt;

use ntlm::Requirements;
use ntlm::config::LmCompatibilityLevel::{self, Level0, Level2};
use ntlm::config::{ClientPolicy, ExtendedSessionSecurity};
use ntlm::error::Incompatible;

use super::{
    CHANNEL, Check, Column, Does, LENGTHS, MIC, NEGOTIATE_FLAGS, OTHER_CHANNEL, Outcome, Row, Run, authenticate,
    bindings_option, changed, check_changed_message, check_refused_messages, cross, log_on, log_on_and_agree,
    refused_by_ours, refused_by_theirs, talk,
};
use crate::ours::Client;
use crate::peer::{Peer, Start};
use crate::side::{Account, Refusal, Side as _};

/// A counterpart in the role of the server: a row of the matrix.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) peer: &'static str,
    pub(crate) does: &'static [Does],
    pub(crate) words: Words,
}

/// How a server words why it refuses a logon; empty for what it is not asked.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) password: &'static str,
    pub(crate) mic: &'static str,
    pub(crate) channel: &'static str,
    pub(crate) ntlmv1: &'static str,
}

const COLUMNS: &[Column<Server>] = &[
    ("logs on, same session key", &[], |server, run| server.lets_in(run, Account::ALICE)),
    ("logs on under a name outside ASCII", &[], |server, run| server.lets_in(run, Account::ZOE)),
    ("logs on without signing, same session key", &[], Server::without_security),
    ("wrong password refused", &[], Server::wrong_password),
    ("signs and seals both ways", &[Does::Sign], Server::signs_and_seals),
    ("signs and seals empty messages", &[Does::SignNothing], Server::signs_nothing),
    ("signs both ways without sealing", &[Does::Sign], Server::signs),
    ("its changed, replayed and reordered messages refused", &[Does::Sign], Server::changed_messages),
    ("our changed messages refused", &[Does::Sign], Server::our_changed_messages),
    ("changed NEGOTIATE refused", &[], Server::changed_negotiate),
    ("changed MIC refused", &[], Server::changed_mic),
    ("same channel accepted", &[Does::Bind], Server::same_channel),
    ("other channel refused", &[Does::Bind], Server::other_channel),
    ("our NTLMv1 refused", &[Does::NtlmV1], Server::ntlmv1_refused),
    ("our NTLMv1, where allowed, signs and seals", &[Does::NtlmV1], |server, run| server.ntlmv1(run, Level2)),
    ("our old session, where allowed, signs and seals", &[Does::NtlmV1], |server, run| server.ntlmv1(run, Level0)),
    ("lets in our strict client", &[], Server::under_strict),
];

/// The checks of every server.
pub(crate) fn checks(servers: &'static [Server]) -> impl Iterator<Item = Check> {
    cross(servers, COLUMNS)
}

impl Row for Server {
    fn does(&self) -> &[Does] {
        self.does
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ours -> {}", self.peer)
    }
}

/// What differs from check to check.
struct Case<'a> {
    /// Whom we log on as.
    account: Account,
    /// Whom the server knows.
    known: Account,
    policy: ClientPolicy,
    requirements: Requirements,
    channel: Option<&'a [u8]>,
    options: &'a [&'a str],
    server_channel: Option<&'a [u8]>,
    environment: &'a [(&'a str, &'a str)],
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self {
            account: Account::ALICE,
            known: Account::ALICE,
            policy: ClientPolicy::windows(),
            requirements: Requirements::seal(),
            channel: None,
            options: &[],
            server_channel: None,
            environment: &[],
        }
    }
}

impl Server {
    fn meet(&self, run: &Run<'_>, case: Case<'_>) -> Result<(Client, Peer), Refusal> {
        let options = case.options.iter().map(|&option| option.to_owned());
        let start = Start {
            name: self.peer,
            role: "server",
            account: case.known,
            options: options.chain(case.server_channel.into_iter().flat_map(bindings_option)).collect(),
            environment: case.environment,
        };
        let server = Peer::start(&run.programs.peer, &start, &run.transcript)?;
        let client = Client::new(case.policy, case.account, case.requirements, case.channel, &run.transcript);
        Ok((client, server))
    }

    fn lets_in(&self, run: &Run<'_>, account: Account) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case { account, known: account, ..Case::default() })?;
        log_on_and_agree(&mut client, &mut server, account)
    }

    fn without_security(&self, run: &Run<'_>) -> Outcome {
        let case = Case { options: &["--no-security"], requirements: Requirements::default(), ..Case::default() };
        let (mut client, mut server) = self.meet(run, case)?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)?;
        refused_by_ours(client.sign(b"message"), Incompatible::NoSessionSecurity)
    }

    fn wrong_password(&self, run: &Run<'_>) -> Outcome {
        let case = Case { account: Account::ALICE.with_wrong_password(), ..Case::default() };
        let (mut client, mut server) = self.meet(run, case)?;
        refused_by_theirs(log_on(&mut client, &mut server), self.words.password)
    }

    fn signs_and_seals(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case::default())?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)?;
        talk(&mut client, &mut server, &LENGTHS, true)
    }

    fn signs_nothing(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case::default())?;
        log_on(&mut client, &mut server)?;
        talk(&mut client, &mut server, &[0, 1, 0], true)
    }

    fn signs(&self, run: &Run<'_>) -> Outcome {
        let case = Case { requirements: Requirements::sign(), ..Case::default() };
        let (mut client, mut server) = self.meet(run, case)?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)?;
        talk(&mut client, &mut server, &LENGTHS, false)?;
        refused_by_ours(client.seal(b"message"), Incompatible::NoConfidentiality)
    }

    fn changed_messages(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case::default())?;
        log_on(&mut client, &mut server)?;
        check_refused_messages(&mut server, &mut client)
    }

    fn our_changed_messages(&self, run: &Run<'_>) -> Outcome {
        for sealed in [false, true] {
            let (mut client, mut server) = self.meet(run, Case::default())?;
            log_on(&mut client, &mut server)?;
            check_changed_message(&mut client, &mut server, sealed)?;
        }
        Ok(())
    }

    fn changed_negotiate(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case::default())?;
        let negotiate = client.token(&[])?;
        let challenge = server.token(&changed(&negotiate, NEGOTIATE_FLAGS, 0x08))?;
        let authenticate = client.token(&challenge)?;
        refused_by_theirs(server.token(&authenticate), self.words.mic)
    }

    fn changed_mic(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case::default())?;
        let authenticate = authenticate(&mut client, &mut server)?;
        refused_by_theirs(server.token(&changed(&authenticate, MIC, 1)), self.words.mic)
    }

    fn same_channel(&self, run: &Run<'_>) -> Outcome {
        let case = Case { channel: Some(CHANNEL), server_channel: Some(CHANNEL), ..Case::default() };
        let (mut client, mut server) = self.meet(run, case)?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)
    }

    fn other_channel(&self, run: &Run<'_>) -> Outcome {
        let case = Case { channel: Some(OTHER_CHANNEL), server_channel: Some(CHANNEL), ..Case::default() };
        let (mut client, mut server) = self.meet(run, case)?;
        refused_by_theirs(log_on(&mut client, &mut server), self.words.channel)
    }

    /// The strict client wants extended session security and TargetInfo of every server, and 128 bits with protection.
    fn under_strict(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case { policy: ClientPolicy::strict(), ..Case::default() })?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)
    }

    fn ntlmv1_refused(&self, run: &Run<'_>) -> Outcome {
        let policy = ClientPolicy::windows().dangerous_with_lm_compatibility_level(Level2);
        let (mut client, mut server) =
            self.meet(run, Case { policy, environment: &[("LM_COMPAT_LEVEL", "5")], ..Case::default() })?;
        refused_by_theirs(log_on(&mut client, &mut server), self.words.ntlmv1)
    }

    /// Level 0 has no extended session security, so one key stream for both directions.
    fn ntlmv1(&self, run: &Run<'_>, level: LmCompatibilityLevel) -> Outcome {
        let mut policy = ClientPolicy::windows().dangerous_with_lm_compatibility_level(level);
        if level == Level0 {
            policy.extended_session_security = ExtendedSessionSecurity::DangerousNever;
        }
        let (mut client, mut server) =
            self.meet(run, Case { policy, environment: &[("LM_COMPAT_LEVEL", "1")], ..Case::default() })?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)?;
        talk(&mut client, &mut server, &LENGTHS, true)
    }
}
