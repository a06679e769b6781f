//! What an authority says of a client, beyond yes and no: how its account is called, and that it is a guest.

#[allow(dead_code)]
mod support;

use std::sync::Arc;

use ntlm::{Authority, LogonFailure, LogonSuccess, NetworkLogon, Password};
use ntlm_sspi::{AttributeId, AttributeValue, SecHandle, SecurityStatus};
use support::pair::{ALICE, Pair, configuration_with};

/// An authority that knows alice, and calls her account so.
struct Calls(Option<&'static str>);

impl Authority for Calls {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        let success = logon.verify(Some(&Password::new(ALICE.2).nt_hash()))?;
        Ok(match self.0 {
            Some(account) => success.with_account(account.into()),
            None => success,
        })
    }
}

/// An authority that lets everybody in as guest.
struct Guests;

impl Authority for Guests {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        Ok(LogonSuccess::guest(logon))
    }
}

/// The client's name and the authority's, as a context tells them; each in all the attributes that do.
fn names(pair: &Pair, context: SecHandle) -> (String, String) {
    let query = |attribute| pair.sspi.query_context_attributes(context, attribute).expect("an attribute");
    let (AttributeValue::Names(client), AttributeValue::Authority(authority)) =
        (query(AttributeId::NAMES), query(AttributeId::AUTHORITY))
    else {
        panic!("other attributes")
    };
    assert!(matches!(query(AttributeId::DCE_INFO), AttributeValue::DceInfo { name, .. } if name == client));
    assert!(
        matches!(query(AttributeId::NATIVE_NAMES), AttributeValue::NativeNames { client: name, .. } if name == client)
    );
    (client.to_string_lossy(), authority.to_string_lossy())
}

#[test]
fn a_server_names_the_client_as_the_authority_calls_the_account() {
    let sent = ("EXAMPLE\\alice", "EXAMPLE");
    for (account, expected) in [
        (None, sent),
        (Some("SERVER1\\Alice Liddell"), ("SERVER1\\Alice Liddell", "SERVER1")),
        // An account that is called by its name alone.
        (Some("alice@example.test"), ("alice@example.test", "EXAMPLE")),
    ] {
        let pair = Pair::new(configuration_with(Arc::new(Calls(account))));
        let (client, server) = pair.logon().expect("a logon");
        let said = |context| names(&pair, context);
        assert_eq!(said(server), (expected.0.to_owned(), expected.1.to_owned()));
        assert_eq!(said(client), (sent.0.to_owned(), sent.1.to_owned()), "the client knows what it sent");

        let packed = pair.sspi.export_security_context(server, 2).expect("bytes");
        let moved = pair.sspi.import_security_context("NTLM", &packed).expect("a context");
        assert_eq!(said(moved), (expected.0.to_owned(), expected.1.to_owned()));
        pair.delete([client, moved]);
        pair.end();
    }
}

#[test]
fn a_guest_is_not_impersonated_by_any_configuration() {
    for (authority, expected) in [
        (Arc::new(Calls(None)) as Arc<dyn Authority + Send + Sync>, Ok(())),
        (Arc::new(Guests), Err(SecurityStatus::SEC_E_NO_IMPERSONATION)),
    ] {
        let mut configuration = configuration_with(authority);
        configuration.server.policy.allow_guest = true;
        configuration.dangerous_impersonation_without_effect = true;
        let mut pair = Pair::new(configuration);
        // Protection is not for guests.
        (pair.client_request, pair.server_request) = (0, 0);
        let (client, server) = pair.logon().expect("a logon");
        assert_eq!(pair.sspi.impersonate(server), expected);
        pair.delete([client, server]);
        pair.end();
    }
}
