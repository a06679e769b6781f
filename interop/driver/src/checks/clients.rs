//! Counterparts that log on to our server.

use std::fmt;

use ntlm::config::{ChannelBindingsPolicy, ExtendedSessionSecurity, LmCompatibilityLevel, ServerPolicy};
use ntlm::error::{Incompatible, Rejected};
use ntlm::wire::{AvId, ResponseClass};
use ntlm::{LogonFailure, NegotiateFlags, Requirements, ServerNames};

use super::{
    CHANNEL, Check, Column, Does, LENGTHS, MIC, NEGOTIATE_FLAGS, OTHER_CHANNEL, Outcome, Row, Run, authenticate,
    bindings_option, changed, check_changed_message, check_refused_messages, cross, log_on, log_on_and_agree,
    refused_by_ours, talk,
};
use crate::ours::{Server, TARGET, full_names, windows_for};
use crate::peer::{Peer, Start};
use crate::side::{Account, Refusal, Side as _};

/// A counterpart in the role of the client: a row of the matrix.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) peer: &'static str,
    pub(crate) options: &'static [&'static str],
    pub(crate) does: &'static [Does],
}

const COLUMNS: &[Column<Client>] = &[
    ("logs on, same session key", &[], |client, run| client.logs_on(run, Account::ALICE)),
    ("logs on under a name outside ASCII", &[], |client, run| client.logs_on(run, Account::ZOE)),
    ("logs on without signing, same session key", &[], Client::without_security),
    ("logs on to a server of few names", &[], Client::few_names),
    ("wrong password refused", &[], Client::wrong_password),
    ("unknown user refused", &[], Client::unknown_user),
    ("signing required and not offered: refused", &[], Client::security_required),
    ("signs and seals both ways", &[Does::Sign], Client::signs_and_seals),
    ("signs and seals empty messages", &[Does::SignNothing], Client::signs_nothing),
    ("signs both ways without sealing", &[Does::Sign], Client::signs),
    ("its changed, replayed and reordered messages refused", &[Does::Sign], Client::changed_messages),
    ("our changed messages refused", &[Does::Sign], Client::our_changed_messages),
    ("changed NEGOTIATE refused", &[Does::Mic], Client::changed_negotiate),
    ("changed CHALLENGE refused", &[], Client::changed_challenge),
    ("changed MIC refused", &[Does::Mic], Client::changed_mic),
    ("same channel accepted", &[Does::Bind], Client::same_channel),
    ("other channel refused", &[Does::Bind], Client::other_channel),
    ("no channel refused where one is required", &[], Client::no_channel),
    ("other service refused", &[], Client::other_service),
    ("NTLMv1 refused", &[Does::NtlmV1], Client::ntlmv1_refused),
    ("NTLMv1, where allowed, signs and seals", &[Does::NtlmV1], |client, run| client.ntlmv1(run, "2")),
    ("old session, where allowed, signs and seals", &[Does::NtlmV1], |client, run| client.ntlmv1(run, "0")),
    ("strict accepts its MIC", &[Does::Mic], Client::strict_accepts),
    ("strict refuses it: no MIC", &[Does::NoMic], Client::strict_refuses),
];

/// The checks of every client.
pub(crate) fn checks(clients: &'static [Client]) -> impl Iterator<Item = Check> {
    cross(clients, COLUMNS)
}

impl Row for Client {
    fn does(&self) -> &[Does] {
        self.does
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.peer)?;
        self.options.iter().try_for_each(|option| write!(f, " {option}"))?;
        f.write_str(" -> ours")
    }
}

/// What differs from check to check.
struct Case<'a> {
    /// Whom the client logs on as.
    account: Account,
    /// Whom our server knows.
    known: Account,
    options: &'a [&'a str],
    client_channel: Option<&'a [u8]>,
    names: ServerNames,
    policy: ServerPolicy,
    requirements: Requirements,
    channel: Option<&'a [u8]>,
    environment: &'a [(&'a str, &'a str)],
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self {
            account: Account::ALICE,
            known: Account::ALICE,
            options: &[],
            client_channel: None,
            names: full_names(),
            policy: ServerPolicy::windows(),
            requirements: Requirements::default(),
            channel: None,
            environment: &[],
        }
    }
}

impl Case<'_> {
    /// Our server requires signing and sealing.
    fn sealed() -> Self {
        Self { requirements: Requirements::seal(), ..Self::default() }
    }
}

impl Client {
    fn meet(&self, run: &Run<'_>, case: Case<'_>) -> Result<(Peer, Server), Refusal> {
        let options = [self.options, case.options].concat().into_iter().map(str::to_owned);
        let start = Start {
            name: self.peer,
            role: "client",
            account: case.account,
            options: options.chain(case.client_channel.into_iter().flat_map(bindings_option)).collect(),
            environment: case.environment,
        };
        let client = Peer::start(&run.programs.peer, &start, &run.transcript)?;
        let server = Server::new(case.names, case.policy, case.known, case.requirements, case.channel, &run.transcript);
        Ok((client, server))
    }

    fn logs_on(&self, run: &Run<'_>, account: Account) -> Outcome {
        let case = Case { account, known: account, policy: windows_for("server.example.test"), ..Case::default() };
        let (mut client, mut server) = self.meet(run, case)?;
        log_on_and_agree(&mut client, &mut server, account)?;
        let info = server.info()?;
        let mic = self.does.contains(&Does::Mic);
        if info.has_mic() != mic || info.observations().mic_missing == mic {
            return Err(format!("expected a MIC: {mic}, got {} with {:?}", info.has_mic(), info.observations()));
        }
        if info.target_name() != Some(&TARGET.into()) {
            return Err(format!("expected the target {TARGET}, got {:?}", info.target_name()));
        }
        Ok(())
    }

    fn without_security(&self, run: &Run<'_>) -> Outcome {
        let case = Case { options: &["--no-security"], ..Case::default() };
        let (mut client, mut server) = self.meet(run, case)?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)?;
        refused_by_ours(server.sign(b"message"), Incompatible::NoSessionSecurity)
    }

    /// Stand-alone, and without DNS names: the least that a server can say.
    fn few_names(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) =
            self.meet(run, Case { names: ServerNames::standalone("SERVER"), ..Case::sealed() })?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)
    }

    fn wrong_password(&self, run: &Run<'_>) -> Outcome {
        let case = Case { account: Account::ALICE.with_wrong_password(), ..Case::default() };
        let (mut client, mut server) = self.meet(run, case)?;
        refused_by_ours(log_on(&mut client, &mut server), LogonFailure::WRONG_PASSWORD)
    }

    fn unknown_user(&self, run: &Run<'_>) -> Outcome {
        let case = Case { account: Account::MALLORY, ..Case::default() };
        let (mut client, mut server) = self.meet(run, case)?;
        refused_by_ours(log_on(&mut client, &mut server), LogonFailure::NO_SUCH_USER)
    }

    fn security_required(&self, run: &Run<'_>) -> Outcome {
        let case = Case { options: &["--no-security"], ..Case::sealed() };
        let (mut client, mut server) = self.meet(run, case)?;
        let missing = NegotiateFlags::SIGN | NegotiateFlags::SEAL;
        refused_by_ours(log_on(&mut client, &mut server), Incompatible::MissingFlags(missing))
    }

    fn signs_and_seals(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case::sealed())?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)?;
        talk(&mut client, &mut server, &LENGTHS, true)
    }

    fn signs_nothing(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case::sealed())?;
        log_on(&mut client, &mut server)?;
        talk(&mut client, &mut server, &[0, 1, 0], true)
    }

    fn signs(&self, run: &Run<'_>) -> Outcome {
        let case = Case { options: &["--no-seal"], requirements: Requirements::sign(), ..Case::default() };
        let (mut client, mut server) = self.meet(run, case)?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)?;
        talk(&mut client, &mut server, &LENGTHS, false)?;
        refused_by_ours(server.seal(b"message"), Incompatible::NoConfidentiality)
    }

    fn changed_messages(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case::sealed())?;
        log_on(&mut client, &mut server)?;
        check_refused_messages(&mut client, &mut server)
    }

    fn our_changed_messages(&self, run: &Run<'_>) -> Outcome {
        for sealed in [false, true] {
            let (mut client, mut server) = self.meet(run, Case::sealed())?;
            log_on(&mut client, &mut server)?;
            check_changed_message(&mut server, &mut client, sealed)?;
        }
        Ok(())
    }

    fn changed_negotiate(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case::default())?;
        let negotiate = client.token(&[])?;
        let challenge = server.token(&changed(&negotiate, NEGOTIATE_FLAGS, 0x08))?;
        let authenticate = client.token(&challenge)?;
        refused_by_ours(server.token(&authenticate), Rejected::MicWrong)
    }

    /// The server's name in the TargetInfo of the CHALLENGE: protected even without a MIC, because the response carries it back.
    fn changed_challenge(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case::default())?;
        let negotiate = client.token(&[])?;
        let challenge = server.token(&negotiate)?;
        let name: Vec<u8> = "SERVER".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let at = challenge.windows(name.len()).position(|bytes| bytes == name).ok_or("no name in our CHALLENGE")?;
        let authenticate = client.token(&changed(&challenge, at, 0x02))?;
        let reason = match self.does.contains(&Does::Mic) {
            true => Rejected::MicWrong,
            false => Rejected::TargetInfoChanged(AvId::NB_COMPUTER_NAME),
        };
        refused_by_ours(server.token(&authenticate), reason)
    }

    fn changed_mic(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case::default())?;
        let authenticate = authenticate(&mut client, &mut server)?;
        refused_by_ours(server.token(&changed(&authenticate, MIC, 1)), Rejected::MicWrong)
    }

    fn same_channel(&self, run: &Run<'_>) -> Outcome {
        let mut policy = ServerPolicy::windows();
        policy.channel_bindings = ChannelBindingsPolicy::Always;
        let case = Case { client_channel: Some(CHANNEL), policy, channel: Some(CHANNEL), ..Case::default() };
        let (mut client, mut server) = self.meet(run, case)?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)?;
        match server.info()?.channel_bindings() {
            Some(_) => Ok(()),
            None => Err("expected the client's channel bindings, got none".to_owned()),
        }
    }

    fn other_channel(&self, run: &Run<'_>) -> Outcome {
        let case = Case { client_channel: Some(OTHER_CHANNEL), channel: Some(CHANNEL), ..Case::default() };
        let (mut client, mut server) = self.meet(run, case)?;
        refused_by_ours(log_on(&mut client, &mut server), Rejected::BindingsWrong)
    }

    fn no_channel(&self, run: &Run<'_>) -> Outcome {
        let mut policy = ServerPolicy::windows();
        policy.channel_bindings = ChannelBindingsPolicy::Always;
        let (mut client, mut server) = self.meet(run, Case { policy, channel: Some(CHANNEL), ..Case::default() })?;
        refused_by_ours(log_on(&mut client, &mut server), Rejected::BindingsMissing)
    }

    fn other_service(&self, run: &Run<'_>) -> Outcome {
        let case = Case { policy: windows_for("other.example.test"), ..Case::default() };
        let (mut client, mut server) = self.meet(run, case)?;
        refused_by_ours(log_on(&mut client, &mut server), Rejected::TargetNameWrong)
    }

    fn strict_accepts(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case { policy: ServerPolicy::strict(), ..Case::default() })?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)
    }

    fn strict_refuses(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Case { policy: ServerPolicy::strict(), ..Case::default() })?;
        refused_by_ours(log_on(&mut client, &mut server), Rejected::MicMissing)
    }

    fn ntlmv1_refused(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) =
            self.meet(run, Case { environment: &[("LM_COMPAT_LEVEL", "2")], ..Case::default() })?;
        refused_by_ours(log_on(&mut client, &mut server), Rejected::ResponseClass(ResponseClass::NtlmV1Ess))
    }

    /// Level 0 has no extended session security: one key stream for both directions, under a LAN Manager key.
    fn ntlmv1(&self, run: &Run<'_>, level: &str) -> Outcome {
        let mut policy = ServerPolicy::windows().dangerous_with_lm_compatibility_level(LmCompatibilityLevel::Level0);
        if level == "0" {
            policy.extended_session_security = ExtendedSessionSecurity::DangerousNever;
        }
        let environment = &[("LM_COMPAT_LEVEL", level)];
        let case = Case { policy, environment, ..Case::sealed() };
        let (mut client, mut server) = self.meet(run, case)?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)?;
        let expected = if level == "0" { ResponseClass::NtlmV1 } else { ResponseClass::NtlmV1Ess };
        let class = server.info()?.response_class();
        if class != expected {
            return Err(format!("expected {expected:?}, got {class:?}"));
        }
        talk(&mut client, &mut server, &LENGTHS, true)
    }
}
