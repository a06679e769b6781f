//! Logons over TLS are bound to it.

use ntlm_http::client::logon::Party;
use ntlm_http::client::{Client, Error, Refusal};
use rustls::pki_types::CertificateDer;

use crate::support::{Gate, Identity, Server, alice, for_alice, get, refused, run, text};

/// A server that wants bindings to `certificate`, or to its own.
async fn demanding(certificate: Option<CertificateDer<'static>>) -> Server {
    let identity = Identity::new(&["h2", "http/1.1"]);
    let certificate = certificate.unwrap_or_else(|| identity.certificate.clone());
    Server::bind(Some(identity), move |_| Gate::new(Party::Server).requiring_bindings(&certificate).script()).await
}

/// A server with this identity that wants bindings to it.
async fn demanding_of(identity: Identity) -> Server {
    let certificate = identity.certificate.clone();
    Server::bind(Some(identity), move |_| Gate::new(Party::Server).requiring_bindings(&certificate).script()).await
}

#[test]
fn a_server_that_requires_channel_bindings_is_logged_on_to() {
    run(async {
        let server = demanding(None).await;
        let client = for_alice(&server).build();
        assert_eq!(text(client.send(get(&server.url("/"))).await.unwrap()).await, (200, "alice GET ".to_owned()));
    });
}

#[test]
fn a_logon_that_somebody_relays_is_refused_and_the_error_says_what_may_be_behind_it() {
    run(async {
        // The server compares with another certificate than the one the client sees: somebody ends TLS in between.
        let server = demanding(Some(Identity::new(&[]).certificate)).await;
        let error = refused(for_alice(&server).build().send(get(&server.url("/"))).await.unwrap_err());
        assert_eq!((&error.refusal, error.secure, error.bound), (&Refusal::Denied, true, true));
        assert!(error.to_string().contains("ends TLS"), "{error}");
    });
}

#[test]
fn without_bindings_a_server_that_requires_them_refuses_and_the_error_says_so() {
    run(async {
        let server = demanding(None).await;
        let client = for_alice(&server).dangerous_without_channel_bindings().build();
        let error = refused(client.send(get(&server.url("/"))).await.unwrap_err());
        assert_eq!((&error.refusal, error.secure, error.bound), (&Refusal::Denied, true, false));
        assert!(error.to_string().contains("channel bindings (Extended Protection), which were not sent"), "{error}");
    });
}

#[test]
fn a_certificate_that_nobody_trusts_is_an_error_before_anything_is_sent() {
    run(async {
        let server = demanding(None).await;
        let client = Client::builder().trust(Identity::new(&[]).certificate).build();
        let error = client.send_as(get(&server.url("/")), &alice()).await.unwrap_err();
        assert!(matches!(&error, Error::Tls { .. }), "{error:?}");
        assert!(server.seen().is_empty());
        // Unless everything is taken; the logon is bound to what was taken.
        let client = Client::builder().dangerous_accept_invalid_certificates().build();
        assert_eq!(client.send_as(get(&server.url("/")), &alice()).await.unwrap().status(), 200);
    });
}

#[test]
fn a_name_that_the_certificate_does_not_have_is_an_error() {
    run(async {
        let server = demanding(None).await;
        let url = server.url("/").replace("localhost", "127.0.0.1");
        let error = for_alice(&server).build().send(get(&url)).await.unwrap_err();
        assert!(matches!(&error, Error::Tls { .. }), "{error:?}");
    });
}

#[test]
fn a_certificate_that_openssl_makes_of_itself_is_trusted_when_it_is_named() {
    run(async {
        let of_authority = |parameters: &mut rcgen::CertificateParams| {
            parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        };
        let serve = async |identity: Identity| {
            let certificate = identity.certificate.clone();
            (demanding_of(identity).await, certificate)
        };
        let (server, certificate) = serve(Identity::made(&["http/1.1"], of_authority)).await;
        let trusting = |certificate: &CertificateDer<'static>| Client::builder().trust(certificate.clone()).build();
        let client = trusting(&certificate);
        assert_eq!(client.send_as(get(&server.url("/")), &alice()).await.unwrap().status(), 200);

        // What is checked of others is checked of it.
        let url = server.url("/").replace("localhost", "127.0.0.1");
        let error = trusting(&certificate).send_as(get(&url), &alice()).await.unwrap_err();
        assert!(error.to_string().contains("not valid for name"), "{error}");
        let another = Identity::made(&[], of_authority).certificate;
        let error = trusting(&another).send_as(get(&server.url("/")), &alice()).await.unwrap_err();
        assert!(matches!(&error, Error::Tls { .. }), "{error}");
        let (server, certificate) = serve(Identity::made(&["http/1.1"], |parameters| {
            of_authority(parameters);
            parameters.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }))
        .await;
        let error = trusting(&certificate).send_as(get(&server.url("/")), &alice()).await.unwrap_err();
        assert!(error.to_string().contains("expired"), "{error}");
    });
}

#[test]
fn a_server_of_http_2_alone_is_called_that() {
    run(async {
        let server = Server::start_tls(&["h2"], |_| Gate::new(Party::Server).script()).await;
        let error = for_alice(&server).build().send(get(&server.url("/"))).await.unwrap_err();
        assert!(matches!(&error, Error::Http2 { .. }), "{error:?}");
        assert!(error.to_string().contains("over which there is no NTLM"), "{error}");
    });
}
