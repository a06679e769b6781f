//! Our command `ntlm auth` and Samba's `ntlm_auth`, helper to helper, as Squid and other programs run them.

use std::fmt;

use super::{Check, Column, Does, Outcome, Row, Run, agree, cross, log_on, log_on_and_agree, refused_by_theirs};
use crate::helper::{Helper, Program};
use crate::side::{Account, Refusal, Side as _, decode, encode};

/// Who logs on to whom: a row of the matrix.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) client: Program,
    pub(crate) server: Program,
}

/// Our helper by itself.
struct Alone;

const COLUMNS: &[Column<Pair>] = &[
    ("logs on, same session key", &[], |pair, run| pair.logs_on(run, Account::ALICE)),
    ("logs on under a name outside ASCII", &[], |pair, run| pair.logs_on(run, Account::ZOE)),
    ("logs on without signing, same session key", &[], Pair::without_security),
    ("wrong password refused", &[], Pair::wrong_password),
    ("client asks for the password", &[], Pair::asks_password),
    ("one helper, many logons", &[], Pair::many_logons),
];

const ALONE: &[Column<Alone>] = &[
    ("server refuses what is no token and goes on", &[], |Alone, run| server_refuses_nonsense(run)),
    ("client refuses what is no token and goes on", &[], |Alone, run| client_refuses_nonsense(run)),
    ("ends with its input", &[], |Alone, run| ends(run)),
];

/// The checks of every pair, and those of our helper alone.
pub(crate) fn checks(pairs: &'static [Pair]) -> impl Iterator<Item = Check> {
    cross(pairs, COLUMNS).chain(cross(&[Alone], ALONE))
}

impl Row for Pair {
    fn does(&self) -> &[Does] {
        &[]
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.client, self.server)
    }
}

impl Row for Alone {
    fn does(&self) -> &[Does] {
        &[]
    }
}

impl fmt::Display for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Program::Ours)
    }
}

impl Pair {
    fn meet(&self, run: &Run<'_>, account: Account, known: Account) -> Result<(Helper, Helper), Refusal> {
        let client = Helper::client(self.client, run.programs, account, Some(account.password), &run.transcript)?;
        let server = Helper::server(self.server, run.programs, known.password, &run.transcript)?;
        Ok((client, server))
    }

    fn logs_on(&self, run: &Run<'_>, account: Account) -> Outcome {
        let (mut client, mut server) = self.meet(run, account, account)?;
        client.want_security()?;
        server.want_security()?;
        log_on_and_agree(&mut client, &mut server, account)
    }

    fn without_security(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Account::ALICE, Account::ALICE)?;
        log_on_and_agree(&mut client, &mut server, Account::ALICE)
    }

    fn wrong_password(&self, run: &Run<'_>) -> Outcome {
        let (mut client, mut server) = self.meet(run, Account::ALICE.with_wrong_password(), Account::ALICE)?;
        refused_by_theirs(log_on(&mut client, &mut server), "NA NT_STATUS_LOGON_FAILURE")?;
        refused_by_theirs(server.expect("GK", "GK"), "BH")
    }

    fn asks_password(&self, run: &Run<'_>) -> Outcome {
        let mut client = Helper::client(self.client, run.programs, Account::ALICE, None, &run.transcript)?;
        let mut server = Helper::server(self.server, run.programs, Account::ALICE.password, &run.transcript)?;
        let negotiate = client.token(&[])?;
        let challenge = server.token(&negotiate)?;
        client.expect("PW", &format!("TT {}", encode(&challenge)))?;
        client.expect("OK", &format!("PW {}", encode(Account::ALICE.password.as_bytes())))?;
        let authenticate = decode(&client.expect_more("AF")?)?;
        server.token(&authenticate)?;
        agree(&mut client, &mut server, Account::ALICE)
    }

    /// Whoever runs helpers keeps them: `YR` begins anew, whatever came of the logon before.
    fn many_logons(&self, run: &Run<'_>) -> Outcome {
        let (mut alice, mut server) = self.meet(run, Account::ALICE, Account::ALICE)?;
        let wrong = Account::ALICE.with_wrong_password();
        let mut intruder = Helper::client(self.client, run.programs, wrong, Some(wrong.password), &run.transcript)?;
        log_on_and_agree(&mut alice, &mut server, Account::ALICE)?;
        refused_by_theirs(log_on(&mut intruder, &mut server), "NA NT_STATUS_LOGON_FAILURE")?;
        log_on_and_agree(&mut alice, &mut server, Account::ALICE)
    }
}

fn server_refuses_nonsense(run: &Run<'_>) -> Outcome {
    let mut server = Helper::server(Program::Ours, run.programs, Account::ALICE.password, &run.transcript)?;
    refused_by_theirs(server.expect("TT", "YR AAAA"), "NA NT_STATUS_INVALID_PARAMETER")?;
    refused_by_theirs(server.expect("TT", "X"), "BH")?;
    refused_by_theirs(server.expect("TT", "ZZ zz"), "BH")?;
    refused_by_theirs(server.expect("GK", "GK"), "BH")?;
    let (alice, samba) = (Account::ALICE, Program::Samba);
    let mut client = Helper::client(samba, run.programs, alice, Some(alice.password), &run.transcript)?;
    log_on_and_agree(&mut client, &mut server, alice)
}

fn client_refuses_nonsense(run: &Run<'_>) -> Outcome {
    let (alice, ours) = (Account::ALICE, Program::Ours);
    let mut client = Helper::client(ours, run.programs, alice, Some(alice.password), &run.transcript)?;
    client.token(&[])?;
    refused_by_theirs(client.expect("AF", "TT AAAA"), "NA NT_STATUS_INVALID_PARAMETER")?;
    let mut server = Helper::server(Program::Samba, run.programs, alice.password, &run.transcript)?;
    log_on_and_agree(&mut client, &mut server, alice)
}

fn ends(run: &Run<'_>) -> Outcome {
    let (alice, ours) = (Account::ALICE, Program::Ours);
    let client = Helper::client(ours, run.programs, alice, Some(alice.password), &run.transcript)?;
    let server = Helper::server(ours, run.programs, alice.password, &run.transcript)?;
    for helper in [client, server] {
        let status = helper.end()?;
        if !status.success() {
            return Err(format!("expected the helper to end well with its input, got {status}"));
        }
    }
    Ok(())
}
