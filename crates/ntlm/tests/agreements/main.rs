//! What two sides agree on: a table of policies, requirements and kinds of logon, each driven to a conversation.
//!
//! Every row must come to the same thing on both sides: flags, attributes, names, target, bindings, session key; then messages go both ways, the contexts
//! are exported and imported in the middle of the conversation, and go on.

#[path = "../support/mod.rs"]
mod support;

mod names;
mod others;
mod strict;
mod weak;

use ntlm::export::ExportedContext;
use ntlm::{Attributes, Established, NegotiateFlags as F, Requirements, Role};

use support::pair::{Pair, chat, converse};

/// The flags that both sides must be of one mind about.
pub(crate) const SETTLED: F = F(F::UNICODE.0
    | F::OEM.0
    | F::SIGN.0
    | F::SEAL.0
    | F::DATAGRAM.0
    | F::LM_KEY.0
    | F::EXTENDED_SESSIONSECURITY.0
    | F::IDENTIFY.0
    | F::N128.0
    | F::N56.0
    | F::KEY_EXCH.0);

pub(crate) const REQUIREMENTS: [Requirements; 3] = [NOTHING, Requirements::sign(), Requirements::seal()];

pub(crate) const NOTHING: Requirements = Requirements {
    integrity: false,
    replay_detect: false,
    sequence_detect: false,
    confidentiality: false,
    identify: false,
};

/// Runs the exchange and everything that must hold of any that stands.
#[track_caller]
pub(crate) fn agree(pair: &mut Pair, what: &str) -> (Established, Established) {
    let (mut client, mut server) = pair.run().unwrap_or_else(|error| panic!("{what}: {error:?}"));
    check_agreement(&client, &server, what);
    converse(&mut client.session, &mut server.session, 0);
    // One after the other: two contexts that both began anew would understand each other, too.
    let mut client = exported(client);
    check_agreement(&client, &server, what);
    chat(&mut client.session, &mut server.session, 3);
    let mut server = exported(server);
    check_agreement(&client, &server, what);
    chat(&mut client.session, &mut server.session, 6);
    (client, server)
}

/// The context after a way through another process, where it must be the same in every fact.
pub(crate) fn exported(context: Established) -> Established {
    let facts = format!("{:?}", context.info);
    let exported = context.export().expect("exported");
    let context =
        Established::import(ExportedContext::from_bytes(exported.expose())).expect("what was exported comes in");
    assert_eq!(format!("{:?}", context.info), facts);
    context
}

#[track_caller]
pub(crate) fn check_agreement(client: &Established, server: &Established, what: &str) {
    let (ours, theirs) = (&client.info, &server.info);
    assert_eq!((ours.role(), theirs.role()), (Role::Client, Role::Server), "{what}");
    assert_eq!(ours.flags() & SETTLED, theirs.flags() & SETTLED, "{what}");
    assert_eq!(ours.attributes(), theirs.attributes(), "{what}");
    assert_eq!(ours.response_class(), theirs.response_class(), "{what}");
    assert_eq!(ours.has_mic(), theirs.has_mic(), "{what}");
    assert_eq!(ours.identity().user, theirs.identity().user, "{what}");
    assert_eq!(ours.identity().domain, theirs.identity().domain, "{what}");
    assert_eq!(ours.identity().workstation, theirs.identity().workstation, "{what}");
    assert_eq!(ours.channel_bindings(), theirs.channel_bindings(), "{what}");
    let key = |context: &Established| context.info.exported_session_key().map(|key| *key.expose());
    assert_eq!(key(client), key(server), "{what}");
    assert_eq!((client.session.signs(), client.session.seals()), (server.session.signs(), server.session.seals()));
    let attributes = ours.attributes();
    assert_eq!((attributes.integrity, attributes.confidentiality), (client.session.signs(), client.session.seals()));
}

pub(crate) fn attributes(requirements: Requirements) -> Attributes {
    let sign = !requirements.required_flags().is_empty();
    Attributes {
        integrity: sign,
        replay_detect: sign,
        sequence_detect: sign,
        confidentiality: requirements.confidentiality,
        identify: requirements.identify,
        ..Attributes::default()
    }
}
