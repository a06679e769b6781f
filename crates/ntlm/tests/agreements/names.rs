//! Names, targets and bindings: what the client says must be readable on both sides.

use ntlm::config::LmCompatibilityLevel;
use ntlm::context::IdentityKind;
use ntlm::error::{Error, Incompatible};
use ntlm::wire::ResponseClass;
use ntlm::{
    AcceptedTargets, ChannelBindings, ClientPolicy, Credentials, NegotiateFlags as F, Password, Requirements, Role,
    ServerPolicy,
};

use crate::agree;
use crate::support::pair::{DOMAIN, PASSWORD, Pair, PairError, SERVER, Step, knows_alice, strip};
use crate::weak::dangerous_pair;

#[test]
fn every_form_of_name_is_sent_and_read_as_it_is() {
    for (name, user, domain) in [
        (r"EXAMPLE\alice", "alice", "EXAMPLE"),
        (r"example\ALICE", "ALICE", "example"),
        ("alice@example.test", "alice@example.test", ""),
        ("alice", "alice", ""),
        (r"\alice", "alice", ""),
        (r".\alice", "alice", SERVER),
        ("Élise", "Élise", ""),
        ("アリス\\アリス", "アリス", "アリス"),
        ("\u{1d11e}\\e\u{301}lise", "e\u{301}lise", "\u{1d11e}"),
    ] {
        let mut pair = Pair::new()
            .with_requirements(Requirements::seal())
            .with_credentials(Credentials::new(name, &Password::new(PASSWORD)))
            .with_authority(|logon| logon.verify(Some(&Password::new(PASSWORD).nt_hash())));
        pair.client_config.workstation = "WORKSTATION1".into();
        let (_, server) = agree(&mut pair, name);
        let identity = server.info.identity();
        assert_eq!(identity.user, user.into(), "{name}");
        assert_eq!(identity.domain, domain.into(), "{name}");
        assert_eq!(identity.workstation, "WORKSTATION1".into());
        assert_eq!((identity.kind, &identity.account), (IdentityKind::User, &None));
        assert!(server.info.is_authenticated());
    }
}

#[test]
fn an_nt_hash_does_where_a_password_does() {
    let hash = || Password::new(PASSWORD).nt_hash();
    for credentials in [
        Credentials::from_nt_hash(r"EXAMPLE\alice", hash()),
        Credentials::from_nt_hash_with_domain(&"alice".into(), &DOMAIN.into(), hash()),
        Credentials::with_domain(&"alice".into(), &DOMAIN.into(), &Password::new(PASSWORD)),
    ] {
        agree(&mut Pair::new().with_requirements(Requirements::sign()).with_credentials(credentials), "a hash");
    }
}

#[test]
fn the_account_is_called_what_the_authority_calls_it() {
    let mut pair = Pair::new().with_authority(|logon| Ok(knows_alice(logon)?.with_account(r"EXAMPLE\Alice A.".into())));
    let (client, server) = agree(&mut pair, "an account name");
    assert_eq!(server.info.identity().to_string(), r"EXAMPLE\Alice A.");
    assert_eq!(client.info.identity().account, None);
}

#[test]
fn target_and_bindings_can_be_read_on_both_sides() {
    let bindings = ChannelBindings::tls_server_end_point(&[7; 32]);
    let targets = AcceptedTargets::hosts(["web.example.test"]);
    for untrusted in [false, true] {
        let mut pair = Pair::with_policies(ClientPolicy::strict(), ServerPolicy::strict_for(targets.clone()));
        pair.client_exchange.target_name = Some("HTTP/web.example.test:8080".into());
        pair.client_exchange.target_name_untrusted = untrusted;
        pair.client_exchange.channel_bindings = Some(bindings.clone());
        pair.server_exchange.channel_bindings = Some(bindings.clone());
        let (client, server) = agree(&mut pair, "target and bindings");
        assert_eq!(client.info.target_name(), pair.client_exchange.target_name.as_ref());
        // A name that the client itself does not trust is none to the server.
        let read = server.info.target_name();
        assert_eq!(read, pair.client_exchange.target_name.as_ref().filter(|_| !untrusted));
        assert_eq!(server.info.observations().target_name_missing, untrusted);
        assert_eq!(server.info.channel_bindings(), Some(bindings.hash()));
    }
}

#[test]
fn bindings_that_were_not_sent_are_observed() {
    let mut pair = Pair::new();
    pair.server_exchange.channel_bindings = Some(ChannelBindings::tls_server_end_point(&[7; 32]));
    let (_, server) = agree(&mut pair, "no bindings sent");
    assert!(server.info.observations().bindings_missing);
    assert_eq!(server.info.channel_bindings(), None);
    // Empty bindings are none.
    pair.client_exchange.channel_bindings = Some(ChannelBindings::default());
    let (client, server) = agree(&mut pair, "empty bindings sent");
    assert!(server.info.observations().bindings_missing);
    assert_eq!(client.info.channel_bindings(), None);
}

#[test]
fn oem_names_that_are_not_ascii_are_read_as_latin_1_and_observed() {
    for (name, ascii) in [(r"EXAMPLE\alice", true), ("ÉCOLE\\élise", false)] {
        // Without TargetInfo there is no MIC, so that NTLMv2 in OEM can be had at all.
        let mut pair = dangerous_pair(LmCompatibilityLevel::Level5)
            .with_credentials(Credentials::new(name, &Password::new(PASSWORD)))
            .with_authority(|logon| logon.verify(Some(&Password::new(PASSWORD).nt_hash())))
            .with_negotiate(|message| strip(message, F::UNICODE))
            .with_challenge(|message| strip(message, F::TARGET_INFO));
        pair.server_config.policy.legacy_target_info = true;
        let (client, server) = agree(&mut pair, name);
        assert_eq!(server.info.response_class(), ResponseClass::NtlmV2);
        let observed = server.info.observations();
        assert!(observed.oem && observed.mic_missing && observed.target_info_missing);
        assert_eq!(observed.oem_not_ascii, !ascii);
        assert!(client.info.observations().oem);
    }
}

#[test]
fn names_that_fill_a_message_are_sent_and_longer_ones_refused() {
    let user = "u".repeat(30_000);
    let mut pair = Pair::new()
        .with_credentials(Credentials::new(&user, &Password::new(PASSWORD)))
        .with_authority(|logon| logon.verify(Some(&Password::new(PASSWORD).nt_hash())));
    agree(&mut pair, "a long name");
    pair.credentials = Credentials::new(&user.repeat(2), &Password::new(PASSWORD));
    let error = Error::Incompatible(Incompatible::NamesTooLong);
    assert_eq!(pair.refused(), PairError { side: Role::Client, step: Step::Challenge, error });
    assert!(pair.sent.authenticate.is_empty());
    pair.credentials = Credentials::new("alice", &Password::new(PASSWORD));
    pair.client_exchange.target_name = Some(user.repeat(2).into());
    let error = Error::Incompatible(Incompatible::NamesTooLong);
    assert_eq!(pair.refused(), PairError { side: Role::Client, step: Step::Challenge, error });
}

#[test]
fn a_name_that_oem_cannot_hold_is_not_sent_as_another_one() {
    // NTLMv1, which has no MIC that would notice how the client was made to use OEM.
    let with_user = |user: &str| {
        let credentials = Credentials::new(user, &Password::new(crate::weak::PASSWORD_OF_14));
        let mut pair = dangerous_pair(LmCompatibilityLevel::Level2).with_credentials(credentials);
        pair = pair.with_negotiate(|message| strip(message, F::UNICODE));
        pair
    };
    let error = with_user(r"EXAMPLE\Ωmega").refused();
    assert_eq!((error.side, error.error), (Role::Client, Incompatible::NotInOem.into()));
    let (client, server) = with_user(r"EXAMPLE\Zoë").run().expect("Latin-1 on both sides");
    assert!(client.info.observations().oem_not_ascii && server.info.observations().oem_not_ascii);
    assert_eq!(server.info.identity().user, "Zoë".into());
}

#[test]
fn a_context_tells_only_the_target_and_bindings_that_were_sent() {
    let mut pair = dangerous_pair(LmCompatibilityLevel::Level1);
    pair.client_exchange.target_name = Some("HTTP/web".into());
    let (client, _) = pair.run().expect("NTLMv1");
    assert_eq!((client.info.target_name(), client.info.channel_bindings()), (None, None));
}
