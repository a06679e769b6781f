//! Tokens that were cut or changed on the way: the documented status, a context that can be deleted, and nobody logged on.

#[allow(dead_code)]
mod support;

use ntlm_sspi::{SecHandle, SecurityStatus};
use support::pair::{Pair, configuration};

/// Where a logon with a changed token came to.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The server let the client in.
    LoggedOn,
    /// A function said no.
    Refused(SecurityStatus),
}

/// What is done to a token.
type Change<'a> = &'a dyn Fn(&mut Vec<u8>);

/// A logon in which each token is changed on the way. All contexts are deleted.
fn logon(pair: &Pair, changes: [Change<'_>; 3]) -> End {
    let mut contexts = Vec::new();
    let end = play(pair, changes, &mut contexts);
    pair.delete(contexts);
    match end {
        Ok(()) => End::LoggedOn,
        Err(status) => End::Refused(status),
    }
}

fn play(pair: &Pair, changes: [Change<'_>; 3], contexts: &mut Vec<SecHandle>) -> Result<(), SecurityStatus> {
    let [negotiate, challenge, authenticate] = changes;
    let changed = |mut token: Vec<u8>, change: Change<'_>| {
        change(&mut token);
        token
    };
    let first = pair.initialize(None, None)?;
    contexts.push(first.context);
    let second = pair.accept(None, &changed(first.token, negotiate))?;
    contexts.push(second.context);
    let third = pair.initialize(Some(first.context), Some(&changed(second.token, challenge)))?;
    pair.accept(Some(second.context), &changed(third.token, authenticate)).map(drop)
}

const KEEP: Change<'static> = &|_| {};

/// The statuses that a changed token may have.
const REFUSALS: [SecurityStatus; 4] = [
    SecurityStatus::SEC_E_INVALID_TOKEN,
    SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION,
    SecurityStatus::SEC_E_LOGON_DENIED,
    SecurityStatus::SEC_E_MESSAGE_ALTERED,
];

/// The changes that hit one token and leave the others.
fn only(which: usize, change: Change<'_>) -> [Change<'_>; 3] {
    let mut changes = [KEEP; 3];
    changes[which] = change;
    changes
}

fn lengths(pair: &Pair) -> [usize; 3] {
    let first = pair.initialize(None, None).expect("NEGOTIATE");
    let second = pair.accept(None, &first.token).expect("CHALLENGE");
    let third = pair.initialize(Some(first.context), Some(&second.token)).expect("AUTHENTICATE");
    pair.delete([first.context, second.context]);
    [first.token.len(), second.token.len(), third.token.len()]
}

#[test]
fn a_token_cut_at_any_length_logs_nobody_on() {
    let pair = Pair::new(configuration());
    for (which, length) in lengths(&pair).into_iter().enumerate() {
        for cut in 0..length {
            let end = logon(&pair, only(which, &|token| token.truncate(cut)));
            match (which, end) {
                // Without names a NEGOTIATE is whole from 16 bytes on. The MIC tells that it was another.
                (0, End::Refused(SecurityStatus::SEC_E_MESSAGE_ALTERED)) if cut >= 16 => {}
                (_, End::Refused(SecurityStatus::SEC_E_INVALID_TOKEN)) => {}
                (_, end) => panic!("token {which} cut at {cut}: {end:?}"),
            }
        }
    }
    pair.end();
}

#[test]
fn a_token_with_bytes_behind_it_logs_nobody_on() {
    let pair = Pair::new(configuration());
    for which in 0..3 {
        let end = logon(&pair, only(which, &|token| token.push(0)));
        assert_eq!(end, End::Refused(SecurityStatus::SEC_E_MESSAGE_ALTERED), "token {which}");
    }
    pair.end();
}

#[test]
fn a_token_with_any_bit_changed_logs_nobody_on() {
    let pair = Pair::new(configuration());
    for (which, length) in lengths(&pair).into_iter().enumerate() {
        for bit in 0..length * 8 {
            let end = logon(&pair, only(which, &|token| token[bit / 8] ^= 1 << (bit % 8)));
            let End::Refused(status) = end else { panic!("token {which} with bit {bit} changed: {end:?}") };
            assert!(REFUSALS.contains(&status), "token {which} with bit {bit} changed: {status:?}");
        }
    }
    pair.end();
}

#[test]
fn tokens_that_are_not_changed_log_on() {
    let pair = Pair::new(configuration());
    assert_eq!(logon(&pair, [KEEP; 3]), End::LoggedOn);
    pair.end();
}

#[test]
fn exported_contexts_cut_at_any_length_are_not_imported() {
    let pair = Pair::new(configuration());
    let (client, server) = pair.logon().expect("a logon");
    let packed = pair.sspi.export_security_context(server, 2).expect("a context");
    for cut in 0..packed.len() {
        let imported = pair.sspi.import_security_context("NTLM", &packed[..cut]);
        assert_eq!(imported, Err(SecurityStatus::SEC_E_INVALID_TOKEN), "{cut}");
    }
    pair.delete([client]);
    pair.end();
}
