//! How strong the protection must be, and that there is any.

use ntlm::client::Exchange;
use ntlm::config::{DroppedCapabilities, ExtendedSessionSecurity};
use ntlm::error::{Error, Incompatible};
use ntlm::wire::{AvId, AvPairsBuilder, ChallengeBuilder, Version};
use ntlm::{ClientPolicy, FileTime, NegotiateFlags, Requirements, Role, UnicodeString};

use crate::support::pair::{NOW, Pair, Step, converse};
use crate::support::script::{Flags, PROTECTED, Script, UNPROTECTED, windows_flags};
use crate::{answer, both, windows};

use NegotiateFlags as F;

fn missing(flags: F) -> Error {
    Incompatible::MissingFlags(flags).into()
}

/// A challenge with TargetInfo that somebody made up.
pub(crate) fn challenge(flags: F, time: Option<FileTime>) -> Vec<u8> {
    let mut pairs = AvPairsBuilder::new();
    for (id, name) in [(AvId::NB_DOMAIN_NAME, "EXAMPLE"), (AvId::NB_COMPUTER_NAME, "SERVER1")] {
        pairs.push_text(id, &name.into());
    }
    if let Some(time) = time {
        pairs.push(AvId::TIMESTAMP, &time.to_bytes());
    }
    let mut out = Vec::new();
    ChallengeBuilder {
        flags: flags | F::TARGET_INFO,
        target_name: &UnicodeString::from("EXAMPLE").to_utf16le(),
        server_challenge: [1, 2, 3, 4, 5, 6, 7, 8],
        target_info: &pairs.finish(),
        version: Some(Version::default()),
    }
    .write(&mut out);
    out
}

fn exchange(requirements: Requirements) -> Exchange {
    Exchange { requirements, ..Exchange::default() }
}

#[test]
fn require_128_on_a_server() {
    // 56 bits, and 40.
    for weak in [PROTECTED.without(F::N128), PROTECTED.without(F::N128 | F::N56)] {
        for mut pair in both() {
            let script = Script::new().asking(weak);
            let error = script.run(&mut pair).expect_err("a weak key");
            assert_eq!((error.step, error.error), (Step::Negotiate, missing(F::N128)));
            pair.server_config.policy.require_128 = false;
            let (mut client, mut server) = script.talk(&mut pair).expect("weak keys allowed");
            assert!(!server.info.flags().contains(F::N128));
            converse(&mut client, &mut server.session, 0);
        }
    }
    // Without protection nobody needs a strong key.
    for mut pair in both() {
        assert!(Script::new().asking(UNPROTECTED.without(F::N128)).run(&mut pair).is_ok());
    }
}

#[test]
fn require_128_on_a_client() {
    let weak = challenge(PROTECTED.without(F::N128), Some(NOW));
    let unprotected = challenge(UNPROTECTED.without(F::N128), Some(NOW));
    for mut policy in [ClientPolicy::strict(), ClientPolicy::windows()] {
        for requirements in [Requirements::sign(), Requirements::seal()] {
            policy.require_128 = true;
            assert_eq!(answer(policy.clone(), exchange(requirements), &weak).expect_err("weak"), missing(F::N128));
            policy.require_128 = false;
            assert!(answer(policy.clone(), exchange(requirements), &weak).is_ok());
        }
        policy.require_128 = true;
        assert!(answer(policy, Exchange::default(), &unprotected).is_ok());
    }
}

#[test]
fn extended_session_security_on_a_server() {
    use ExtendedSessionSecurity::{Always, DangerousNever, WithProtection};
    let ess = F::EXTENDED_SESSIONSECURITY;
    for (setting, without_protection, with_protection) in
        [(Always, false, false), (WithProtection, true, false), (DangerousNever, true, true)]
    {
        for mut pair in both() {
            pair.server_config.policy.extended_session_security = setting;
            for (flags, accepted) in [(UNPROTECTED, without_protection), (PROTECTED, with_protection)] {
                let outcome = Script::new().asking(flags.without(ess)).talk(&mut pair);
                match outcome {
                    Ok((mut client, mut server)) => {
                        assert!(accepted && !server.info.flags().contains(ess));
                        converse(&mut client, &mut server.session, 0);
                    }
                    Err(error) => {
                        assert!(!accepted, "{setting:?}: {error:?}");
                        assert_eq!((error.step, error.error), (Step::Negotiate, missing(ess)));
                    }
                }
                // Who has it is always welcome.
                assert!(Script::new().asking(flags).run(&mut pair).expect("a logon").info.flags().contains(ess));
            }
            // What the server requires counts as protection, whatever the client asks.
            pair.server_exchange.requirements = Requirements::sign();
            let outcome = Script::new().asking(PROTECTED.without(ess)).run(&mut pair);
            assert_eq!(outcome.is_ok(), with_protection);
        }
    }
}

#[test]
fn extended_session_security_on_a_client() {
    use ExtendedSessionSecurity::{Always, DangerousNever, WithProtection};
    let ess = F::EXTENDED_SESSIONSECURITY;
    let [protected, unprotected] = [PROTECTED, UNPROTECTED].map(|flags| challenge(flags.without(ess), Some(NOW)));
    for (setting, without_protection, with_protection) in
        [(Always, false, false), (WithProtection, true, false), (DangerousNever, true, true)]
    {
        let mut policy = ClientPolicy::strict();
        policy.extended_session_security = setting;
        for (requirements, challenge, accepted) in [
            (Requirements::default(), &unprotected, without_protection),
            (Requirements::sign(), &protected, with_protection),
            (Requirements::seal(), &protected, with_protection),
        ] {
            let outcome = answer(policy.clone(), exchange(requirements), challenge).map(|_| ());
            assert_eq!(outcome, if accepted { Ok(()) } else { Err(missing(ess)) }, "{setting:?}");
        }
    }
}

#[test]
fn what_one_side_requires_the_other_must_offer() {
    let none = Requirements::default();
    for (requirements, flags) in [
        (none, F::NONE),
        (Requirements { integrity: true, ..none }, F::SIGN),
        (Requirements { replay_detect: true, ..none }, F::SIGN),
        (Requirements { sequence_detect: true, ..none }, F::SIGN),
        (Requirements { confidentiality: true, ..none }, F::SIGN | F::SEAL),
        // A request only.
        (Requirements { identify: true, ..none }, F::NONE),
    ] {
        assert_eq!(requirements.required_flags(), flags);
        for mut pair in both() {
            pair.server_exchange.requirements = requirements;
            let outcome = pair.run().map(|_| ()).map_err(|error| error.error);
            let missed = if flags.is_empty() { Ok(()) } else { Err(missing(flags)) };
            assert_eq!(outcome, missed, "the client asks for nothing");

            pair.client_exchange.requirements = requirements;
            let (client, server) = pair.run().expect("asked for and required");
            for side in [&client, &server] {
                let attributes = side.info.attributes();
                assert_eq!(attributes.integrity, !flags.is_empty());
                assert_eq!(attributes.confidentiality, flags.contains(F::SEAL));
                assert_eq!(attributes.identify, requirements.identify);
            }
        }
        for policy in [ClientPolicy::strict(), ClientPolicy::windows()] {
            let bare = challenge(UNPROTECTED, Some(NOW));
            let outcome = answer(policy, exchange(requirements), &bare).map(|_| ());
            assert_eq!(outcome, if flags.is_empty() { Ok(()) } else { Err(missing(flags)) });
        }
    }
}

#[test]
fn a_client_may_ask_for_more_than_the_server_requires() {
    for mut pair in both() {
        pair.client_exchange.requirements = Requirements::seal();
        let (mut client, mut server) = pair.run().expect("a logon");
        assert!(server.session.seals());
        converse(&mut client.session, &mut server.session, 0);
    }
}

#[test]
fn dropped_capabilities_on_a_server() {
    let drops: [(Flags, F); 4] = [
        (|flags| windows_flags(flags).without(F::KEY_EXCH), F::KEY_EXCH),
        (|flags| windows_flags(flags).without(F::SEAL), F::SEAL),
        (|flags| windows_flags(flags).without(F::SIGN | F::SEAL), NegotiateFlags(F::SIGN.0 | F::SEAL.0)),
        (
            |flags| windows_flags(flags).without(F::SIGN | F::SEAL | F::KEY_EXCH),
            NegotiateFlags(F::SIGN.0 | F::SEAL.0 | F::KEY_EXCH.0),
        ),
    ];
    for (flags, dropped) in drops {
        for mut pair in both() {
            let script = Script { flags, ..Script::new() };
            pair.server_config.policy.dropped_capabilities = DroppedCapabilities::Refuse;
            let error = script.run(&mut pair).expect_err("dropped");
            let expected = Incompatible::CapabilityDropped(dropped).into();
            assert_eq!((error.step, error.error), (Step::Authenticate, expected));

            pair.server_config.policy.dropped_capabilities = DroppedCapabilities::AllowUnlessRequired;
            let (mut client, mut server) = script.talk(&mut pair).expect("allowed");
            assert_eq!(server.info.observations().capabilities_dropped, dropped);
            assert_eq!(server.session.signs(), !dropped.contains(F::SIGN));
            assert_eq!(server.session.seals(), !dropped.contains(F::SEAL));
            converse(&mut client, &mut server.session, 0);

            // What is required cannot be dropped.
            pair.server_exchange.requirements = Requirements::seal();
            let required = NegotiateFlags(dropped.0 & (F::SIGN.0 | F::SEAL.0));
            let outcome = script.run(&mut pair).map(|_| ()).map_err(|error| error.error);
            assert_eq!(outcome, if required.is_empty() { Ok(()) } else { Err(missing(required)) });
        }
    }
    // Sealing implies signing: a client that drops the bit alone has dropped nothing.
    for mut pair in both() {
        let script = Script { flags: |flags| windows_flags(flags).without(F::SIGN), ..Script::new() };
        let server = script.run(&mut pair).expect("sealing");
        assert!(server.session.signs() && server.info.observations().capabilities_dropped.is_empty());
    }
}

#[test]
fn what_nobody_offered_is_not_dropped() {
    for mut pair in [Pair::new(), windows()] {
        let server = Script::new().asking(UNPROTECTED).run(&mut pair).expect("nothing offered");
        assert!(server.info.observations().capabilities_dropped.is_empty());
        assert_eq!(server.info.role(), Role::Server);
    }
}
