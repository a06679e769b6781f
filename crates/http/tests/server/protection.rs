//! Extended Protection: the channel and the service that a logon was meant for.

use ntlm::ChannelBindings;
use ntlm_accounts::Origin;
use ntlm_accounts::audit::BindingsCheck;
use ntlm_http::header::Scheme;
use ntlm_http::server::{Acceptor, Connection, ExtendedProtection};

use crate::support::*;

/// Whether a client gets in that names `target` and sends `sent`, over a channel with `own`.
fn gets_in(
    protection: ExtendedProtection,
    own: Option<&ChannelBindings>,
    target: Option<&str>,
    sent: Option<&ChannelBindings>,
) -> bool {
    let records = std::sync::Arc::new(Records::default());
    let mut settings = settings();
    settings.protect(protection, ["web1.example.test", "192.0.2.1"]);
    let acceptor = Acceptor::new(settings).with_audit(records.clone());
    let mut connection = Connection::new(Origin::default());
    if let Some(own) = own {
        connection = connection.with_channel_bindings(own.clone());
    }
    let client = Client::with(ALICE, PASSWORD, exchange(target, sent));
    let user = log_on(&mut connection, &acceptor, &authority(), client, Scheme::Ntlm);
    let [record] = &records.take()[..] else { panic!("one record") };
    assert_eq!(record.carrier, if own.is_some() { "HTTPS" } else { "HTTP" });
    if user.is_ok() && own.is_some() && sent == own && protection != ExtendedProtection::Off {
        assert_eq!(record.channel_bindings, Some(BindingsCheck::Verified));
    }
    user.is_ok()
}

#[test]
fn extended_protection_decides_on_the_channel_and_on_the_service() {
    use ExtendedProtection::{Off, Required, WhenSupported};
    let (right, wrong) =
        (ChannelBindings::tls_server_end_point(&[1; 32]), ChannelBindings::tls_server_end_point(&[2; 32]));
    let (right, wrong) = (Some(&right), Some(&wrong));
    let ours = Some("HTTP/WEB1.example.test:8443");
    let another = Some("HTTP/web2.example.test");
    for (own, target, sent, expected) in [
        // Over TLS.
        (right, None, None, [true, true, false]),
        (right, ours, None, [true, true, false]),
        (right, None, right, [true, true, true]),
        (right, ours, right, [true, true, true]),
        (right, Some("http/192.0.2.1"), right, [true, true, true]),
        (right, None, wrong, [true, false, false]),
        (right, another, right, [true, false, false]),
        (right, Some("cifs/web1.example.test"), right, [true, false, false]),
        // Without TLS.
        (None, None, None, [true, true, false]),
        (None, ours, None, [true, true, true]),
        (None, another, None, [true, false, false]),
    ] {
        let found = [Off, WhenSupported, Required].map(|protection| gets_in(protection, own, target, sent));
        assert_eq!(found, expected, "{own:?} {target:?} {sent:?}");
    }
}

#[test]
fn a_client_may_name_the_address_that_it_reached() {
    let mut settings = settings();
    settings.protect(ExtendedProtection::Required, ["web1.example.test"]);
    let acceptor = Acceptor::new(settings);
    let gets_in = |target| {
        let client = Client::with(ALICE, PASSWORD, exchange(Some(target), None));
        let mut connection = Connection::new(Origin::default());
        log_on(&mut connection, &acceptor, &authority(), client, Scheme::Ntlm).is_ok()
    };
    let (one, other) = ("HTTP/192.0.2.7:8080", "HTTP/192.0.2.8");
    assert_eq!([one, other, "HTTP/web1.example.test"].map(gets_in), [false, false, true]);
    acceptor.reached_at("::ffff:192.0.2.7".parse().unwrap());
    assert_eq!([one, other, "HTTP/web1.example.test", "cifs/192.0.2.7"].map(gets_in), [true, false, true, false]);
    // Other names of the server change nothing about it.
    acceptor.set_names(&acceptor.settings().names.clone());
    assert!(gets_in(one));
}
