//! What other makers' clients send, as it was seen on the wire: `windows` lets them in and writes down what they lack, `strict` says why it does not.

use ntlm::config::OemPolicy;
use ntlm::context::Observations;
use ntlm::error::{Error, Incompatible, Rejected};
use ntlm::wire::{AuthenticateMessage, ChallengeMessage, NegotiateMessage};
use ntlm::{FileTime, NegotiateFlags, Requirements};

use crate::support::pair::{NOW, Pair, Step, converse};
use crate::support::script::{LmField, Mic, Script, UNPROTECTED, negotiate};
use crate::windows;

use NegotiateFlags as F;

/// A client that sends no MIC and is nothing else out of the ordinary.
const NO_MIC: Observations = Observations {
    mic_missing: true,
    bindings_missing: false,
    target_name_missing: false,
    oem: false,
    oem_not_ascii: false,
    capabilities_dropped: F::NONE,
    weak_response: false,
    target_info_missing: false,
    nil_domain: false,
};

/// The NEGOTIATE of 32 bytes with these flags.
fn short_negotiate(flags: F) -> Vec<u8> {
    let mut message = negotiate(flags);
    message.truncate(32);
    message
}

/// curl 7.88: 32 bytes in OEM, everything copied from the challenge, a header of 64 bytes, a real LMv2 response, its own clock.
fn curl() -> Script {
    Script {
        negotiate: short_negotiate(F(0x0008_8206)),
        flags: |challenge| challenge,
        header: 64,
        version: None,
        order: [3, 4, 0, 1, 2, 5],
        lm_field: LmField::LmV2,
        pairs: <[_]>::to_vec,
        time: Some(FileTime(NOW.0 + 30_000_000)),
        workstation: "WORKSTATION".into(),
        mic: Mic::None,
        ..Script::new()
    }
}

/// Chromium: 32 bytes, a MIC, a target name, empty bindings; the flags it asked for and no others.
fn chromium() -> Script {
    Script {
        negotiate: short_negotiate(F(0x0008_8207)),
        flags: |_| F(0x0008_8203),
        version: None,
        order: [3, 4, 0, 1, 2, 5],
        pairs: |server| {
            let target = crate::support::script::utf16("HTTP/server1:8080");
            [server, &[(10, vec![0; 16]), (9, target)]].concat()
        },
        ..Script::new()
    }
}

/// Samba: single host and empty bindings, nothing behind MsvAvEOL; a MIC is claimed when it signs.
fn samba(protected: bool) -> Script {
    Script {
        negotiate: negotiate(if protected { F(0x6208_8235) } else { F(0x6208_8205) }),
        order: [3, 4, 0, 1, 2, 5],
        pairs: |server| [server, &[(8, vec![0x30; 48]), (10, vec![0; 16])]].concat(),
        tail: 0,
        mic: if protected { Mic::Right } else { Mic::Unclaimed },
        ..Script::new()
    }
}

/// impacket: a target name made of the server's DNS name, a real LMv2 response, signing and sealing without a MIC.
fn impacket() -> Script {
    Script {
        negotiate: negotiate(F(0xe088_8235)),
        header: 64,
        version: None,
        lm_field: LmField::LmV2,
        pairs: |server| {
            let name = &server.iter().find(|(id, _)| *id == 3).expect("impacket fails without a DNS name").1;
            [server, &[(9, [&crate::support::script::utf16("cifs/"), &name[..]].concat())]].concat()
        },
        mic: Mic::None,
        ..Script::new()
    }
}

/// gss-ntlmssp without protection: pairs in an order of its own, MsvAvFlags of 0, no LM response, a key although none is exchanged.
fn gss_ntlmssp() -> Script {
    Script {
        negotiate: negotiate(UNPROTECTED | F::OEM),
        flags: |challenge| challenge,
        lm_field: LmField::Empty,
        pairs: |server| {
            let mut pairs = [server, &[(6, vec![0; 4]), (9, crate::support::script::utf16("HTTP/127.0.0.1"))]].concat();
            pairs.sort();
            pairs
        },
        encrypted_key: Some(vec![0x5a; 16]),
        order: [4, 0, 1, 2, 3, 5],
        mic: Mic::None,
        ..Script::new()
    }
}

/// A Go client: asks for neither NTLM nor a target nor ALWAYS_SIGN, and takes the server's TargetName for its domain.
fn go() -> Script {
    Script {
        negotiate: negotiate(F(0xa088_0001)),
        flags: |challenge| challenge,
        header: 64,
        version: None,
        lm_field: LmField::LmV2,
        pairs: <[_]>::to_vec,
        workstation: "".into(),
        mic: Mic::None,
        ..Script::new()
    }
}

/// A client, how it must be seen under `windows`, and why `strict` refuses it, if it does.
type Client = (&'static str, Script, Observations, Option<(Step, Error)>);

fn clients() -> Vec<Client> {
    let no_mic = || Some((Step::Verdict, Rejected::MicMissing.into()));
    let oem = Observations { oem: true, ..NO_MIC };
    vec![
        ("curl", curl(), oem, Some((Step::Negotiate, Incompatible::OemRefused.into()))),
        ("Chromium", chromium(), Observations::default(), None),
        ("Samba, protected", samba(true), Observations::default(), None),
        ("Samba, unprotected", samba(false), NO_MIC, no_mic()),
        ("impacket", impacket(), NO_MIC, no_mic()),
        ("gss-ntlmssp", gss_ntlmssp(), NO_MIC, no_mic()),
        ("Go", go(), NO_MIC, no_mic()),
        ("Windows", Script::new(), Observations::default(), None),
    ]
}

#[test]
fn windows_lets_real_clients_in_and_writes_down_what_they_lack() {
    for (name, script, observations, _) in clients() {
        let mut pair = windows();
        let (mut client, mut server) = script.talk(&mut pair).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(server.info.observations(), &observations, "{name}");
        assert_eq!(server.info.has_mic(), !observations.mic_missing, "{name}");
        assert_eq!(server.info.identity().to_string(), r"EXAMPLE\alice", "{name}");
        assert!(server.info.is_authenticated(), "{name}");
        converse(&mut client, &mut server.session, 0);
    }
}

#[test]
fn strict_says_what_a_real_client_lacks() {
    for (name, script, _, refused) in clients() {
        let outcome = script.run(&mut Pair::new()).map(|server| *server.info.observations());
        match refused {
            None => assert_eq!(outcome.unwrap_or_else(|error| panic!("{name}: {error:?}")), Observations::default()),
            Some(expected) => {
                let error = outcome.expect_err(name);
                assert_eq!((error.step, error.error), expected, "{name}");
            }
        }
    }
    // curl has no MIC either, once its names are accepted.
    let mut pair = Pair::new();
    pair.server_config.policy.oem = OemPolicy::Accept;
    assert_eq!(curl().run(&mut pair).expect_err("no MIC").error, Rejected::MicMissing.into());
}

#[test]
fn a_wrong_password_is_wrong_for_every_client() {
    for (name, script, ..) in clients() {
        let wrong = Script { password: "wrong".into(), ..script };
        let error = wrong.run(&mut windows()).expect_err(name);
        assert_eq!(error.error, ntlm::LogonFailure::WRONG_PASSWORD.into(), "{name}");
    }
}

#[test]
fn a_server_that_requires_protection_says_so_to_clients_without() {
    for (name, script, ..) in clients() {
        let asked = NegotiateMessage::parse(&script.negotiate).expect("a NEGOTIATE").flags;
        let protects = asked.contains(F::SIGN);
        let mut pair = windows();
        pair.server_exchange.requirements = Requirements::sign();
        match script.run(&mut pair) {
            Ok(server) => assert!(protects && server.session.signs(), "{name}"),
            Err(error) => {
                // Clients that do not sign have no 128 bits either, some of them.
                assert!(!protects, "{name}: {error:?}");
                let Error::Incompatible(Incompatible::MissingFlags(missing)) = error.error else { panic!("{error:?}") };
                assert!(missing.contains(F::SIGN), "{name}");
            }
        }
    }
}

/// A challenge of our server under `windows` for a NEGOTIATE.
fn challenge_for(script: &Script) -> Vec<u8> {
    let config = windows().server_config;
    let server = ntlm::server::ExpectNegotiate::new(config.into(), ntlm::server::Exchange::default());
    let mut challenge = Vec::new();
    let mut dice = crate::support::pair::LoadedDice::new(1);
    server.receive(&script.negotiate, NOW, &mut dice, &mut challenge).expect("a challenge");
    challenge
}

#[test]
fn the_shapes_are_those_that_were_seen() {
    let shape = |script: &Script| {
        let challenge = challenge_for(script);
        let flags = ChallengeMessage::parse(&challenge).expect("a challenge").flags;
        (script.answer(&challenge).0, flags)
    };
    let parse =
        |message: &[u8]| AuthenticateMessage::parse(message).map(|message| (message.version, message.mic_offset));

    let (message, _) = shape(&curl());
    let parsed = AuthenticateMessage::parse(&message).expect("an AUTHENTICATE");
    assert_eq!(curl().negotiate.len(), 32);
    assert_eq!((parsed.version, parsed.mic_offset, parsed.user_name), (None, None, &b"alice"[..]));
    assert!(parsed.flags.expect("flags").contains(F::VERSION), "the flag without the field");
    assert_eq!(parsed.lm_response.len(), 24);
    assert_ne!(parsed.lm_response, [0; 24]);

    let (message, _) = shape(&gss_ntlmssp());
    let parsed = AuthenticateMessage::parse(&message).expect("an AUTHENTICATE");
    assert!(parsed.lm_response.is_empty() && parsed.encrypted_random_session_key.len() == 16);
    assert!(!parsed.flags.expect("flags").contains(F::KEY_EXCH));

    let (message, _) = shape(&chromium());
    assert_eq!(parse(&message).expect("an AUTHENTICATE").1, Some(72));
    let (message, flags) = shape(&samba(false));
    assert_eq!(parse(&message).expect("an AUTHENTICATE").1, Some(72));
    assert!(!flags.contains(F::KEY_EXCH), "asked for, and not given without protection");
    let (message, flags) = shape(&go());
    assert_eq!(parse(&message).expect("an AUTHENTICATE"), (None, None));
    assert!(flags.contains(F::NTLM | F::REQUEST_TARGET | F::ALWAYS_SIGN), "said whether asked for or not");
}
