//! Connectionless sides, anonymous clients, guests, and clients that make their hash with an empty domain.

use std::sync::Arc;

use ntlm::client::{Exchange, Start};
use ntlm::config::LmCompatibilityLevel;
use ntlm::context::IdentityKind;
use ntlm::error::{Error, Incompatible, Rejected};
use ntlm::wire::{AuthenticateMessage, ResponseClass};
use ntlm::{
    Attributes, Credentials, LogonFailure, LogonSuccess, NegotiateFlags as F, Password, Piece, Requirements, Role,
};

use crate::support::pair::{Pair, PairError, Step, strip};
use crate::weak::{PASSWORD_OF_14, dangerous_pair};
use crate::{REQUIREMENTS, agree, attributes, exported};

#[test]
fn connectionless_sides_agree_and_talk() {
    for requirements in REQUIREMENTS {
        let mut pair = Pair::new();
        pair.connectionless = true;
        pair.client_exchange.requirements = requirements;
        pair.server_config.policy.allow_datagram = true;
        let (client, server) = agree(&mut pair, "connectionless");
        // Where nothing can be negotiated, everything is taken; finding out replays is the application's affair.
        let expected = Attributes {
            replay_detect: false,
            sequence_detect: false,
            datagram: true,
            identify: requirements.identify,
            ..attributes(Requirements::seal())
        };
        assert_eq!(client.info.attributes(), expected);
        assert!(client.info.flags().contains(F::DATAGRAM | F::KEY_EXCH | F::EXTENDED_SESSIONSECURITY));
        assert!(server.info.has_mic());
        assert!(pair.sent.negotiate.is_empty());
        // MS-NLMP 3.1.5.2: with TargetInfo there is no LM response at all.
        let sent = AuthenticateMessage::parse(&pair.sent.authenticate).expect("an AUTHENTICATE");
        assert!(sent.lm_response.is_empty());
    }
    let mut pair = Pair::new();
    pair.connectionless = true;
    let error = Error::Incompatible(Incompatible::DatagramDisabled);
    assert_eq!(pair.refused(), PairError { side: Role::Server, step: Step::Begin, error });
}

#[test]
fn connectionless_contexts_cannot_be_asked_to_find_out_replays() {
    for requirements in [Requirements::seal(), Requirements::sign()] {
        let exchange = Exchange { requirements, ..Exchange::default() };
        let client =
            Start::new(Arc::default(), Arc::new(Credentials::new("alice", &Password::new("secret"))), exchange);
        assert_eq!(client.datagram().err(), Some(Incompatible::NoReplayDetection.into()));
    }
    let mut pair = Pair::new().with_requirements(Requirements::datagram());
    pair.connectionless = true;
    pair.server_config.policy.allow_datagram = true;
    let (mut client, mut server) = agree(&mut pair, "connectionless");
    let mut message = *b"twice";
    let signature = client.session.seal_datagram(1000, &mut [Piece::Sealed(&mut message)]).expect("sealed");
    for _ in 0..2 {
        let mut received = message;
        server.session.unseal_datagram(1000, &mut [Piece::Sealed(&mut received)], &signature).expect("unsealed");
        assert_eq!(&received, b"twice", "nobody said that replays are found out");
    }
    assert!(!server.info.attributes().replay_detect);
}

#[test]
fn anonymous_contexts_stand_where_they_are_allowed_and_protect_nothing() {
    let nobody = |logon: &ntlm::NetworkLogon| LogonSuccess::anonymous(logon).ok_or(LogonFailure::LOGON_FAILURE);
    let mut pair = Pair::new().with_credentials(Credentials::anonymous()).with_authority(nobody);
    let error = Error::Rejected(Rejected::ResponseClass(ResponseClass::Anonymous));
    assert_eq!(pair.refused(), PairError { side: Role::Server, step: Step::Authenticate, error });

    pair.server_config.policy.allow_anonymous = true;
    pair.client_config.workstation = "WORKSTATION1".into();
    let (client, server) = agree(&mut pair, "anonymous");
    for context in [&client, &server] {
        assert_eq!(context.info.attributes(), Attributes { anonymous: true, ..Attributes::default() });
        assert_eq!(context.info.identity().to_string(), "anonymous");
        assert!(!context.info.is_authenticated());
        assert!(context.info.identity().workstation.is_empty());
        let error = context.info.exported_session_key().expect_err("everybody knows the key");
        assert_eq!(error, Error::Incompatible(Incompatible::NoSessionSecurity));
    }
    assert!(client.info.flags().contains(F::ANONYMOUS));

    let error = Error::Incompatible(Incompatible::NoSessionSecurity);
    let mut pair = pair.with_requirements(Requirements::sign());
    assert_eq!(pair.refused(), PairError { side: Role::Client, step: Step::Begin, error });
}

#[test]
fn a_guest_is_let_in_where_allowed_and_protects_nothing() {
    let mut pair = Pair::new().with_authority(|logon| Ok(LogonSuccess::guest(logon)));
    let error = Error::Logon(LogonFailure::LOGON_FAILURE);
    assert_eq!(pair.refused(), PairError { side: Role::Server, step: Step::Verdict, error });

    pair.server_config.policy.allow_guest = true;
    for requirements in REQUIREMENTS {
        pair.client_exchange.requirements = requirements;
        // The client does not get to know that it is a guest: its first protected message will fail.
        let (client, mut server) = pair.run().expect("a guest");
        assert_eq!(client.info.attributes(), attributes(requirements));
        assert_eq!(server.info.attributes(), Attributes { guest: true, ..Attributes::default() });
        assert_eq!(server.info.identity().kind, IdentityKind::Guest);
        assert!(!server.info.is_authenticated() && !server.info.has_mic());
        let none = Error::Incompatible(Incompatible::NoSessionSecurity);
        assert_eq!(server.info.exported_session_key().expect_err("everybody knows the key"), none);
        assert_eq!(server.session.sign(&[b"message"]), Err(none));
        let server = exported(server);
        assert_eq!(server.info.identity().kind, IdentityKind::Guest);
        assert!(!server.session.signs());
    }
    let mut pair = pair.with_requirements(Requirements::sign());
    let error = Error::Incompatible(Incompatible::NoSessionSecurity);
    assert_eq!(pair.refused(), PairError { side: Role::Server, step: Step::Verdict, error });
}

#[test]
fn an_empty_domain_in_the_hash_is_tried_where_policy_says_so() {
    // The client makes its hash with an empty domain; somebody in the middle is the buggy part of it that sends another one.
    let credentials = || Credentials::with_domain(&"alice".into(), &"".into(), &Password::new(PASSWORD_OF_14));
    for retry in [false, true] {
        let mut pair = dangerous_pair(LmCompatibilityLevel::Level5)
            .with_credentials(credentials())
            .with_challenge(|message| strip(message, F::TARGET_INFO))
            .with_authenticate(|message| {
                let at = u32::try_from(message.len()).expect("short");
                message.extend("EXAMPLE".encode_utf16().flat_map(u16::to_le_bytes));
                message[28..32].copy_from_slice(&[14, 0, 14, 0]);
                message[32..36].copy_from_slice(&at.to_le_bytes());
            });
        pair.server_config.policy.legacy_target_info = true;
        pair.server_config.policy.nil_domain_retry = retry;
        if retry {
            let (_, server) = pair.run().expect("a second try");
            assert!(server.info.observations().nil_domain);
            assert_eq!(server.info.identity().domain, "EXAMPLE".into());
        } else {
            let error = Error::Logon(LogonFailure::WRONG_PASSWORD);
            assert_eq!(pair.refused(), PairError { side: Role::Server, step: Step::Verdict, error });
        }
    }
}
