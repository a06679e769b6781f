//! Events of the demo as text for people, or as JSON for scripts.

use serde_json::{Value, json};

use super::scene::{ALICE, Agreed, Event, Scene, Who};
use crate::output::{BAD, DIM, FIELD, GOOD, HEADING, WARNING, hex, styled};

pub(super) struct Show {
    json: bool,
    brief: bool,
    scenes: Vec<Value>,
    events: Vec<Value>,
}

impl Show {
    pub(super) fn new(json: bool, brief: bool) -> Self {
        Self { json, brief, scenes: Vec::new(), events: Vec::new() }
    }

    pub(super) fn begin(&mut self, scene: &Scene) {
        if !self.json {
            anstream::println!("{}\n", styled(HEADING, format!("== {} ==", scene.title)));
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        if self.json {
            self.events.push(self.as_json(event));
        } else {
            self.print(event);
        }
    }

    pub(super) fn end(&mut self, scene: &Scene, accepted: bool) {
        if self.json {
            let events = std::mem::take(&mut self.events);
            self.scenes.push(json!({
                "title": scene.title, "accepted": accepted, "expected": scene.accepted, "events": events,
            }));
        } else {
            let outcome = match (accepted, accepted == scene.accepted) {
                (true, true) => styled(GOOD, "accepted, as it must be"),
                (false, true) => styled(GOOD, "refused, as it must be"),
                (true, false) => styled(BAD, "ACCEPTED, and must not be"),
                (false, false) => styled(BAD, "REFUSED, and must not be"),
            };
            anstream::println!("   => {outcome}\n");
        }
    }

    pub(super) fn finish(self, as_expected: bool) {
        if self.json {
            anstream::println!("{:#}", json!({ "as_expected": as_expected, "scenes": self.scenes }));
        } else if as_expected {
            anstream::println!(
                "Next: `ntlm decode` explains any token you have, `ntlm auth` speaks Samba's helper protocols."
            );
        }
    }

    fn print(&self, event: &Event) {
        match event {
            Event::Listening(address) => {
                anstream::println!("{} listens on {address}, account {ALICE}", name(Who::Server));
            }
            Event::Token { who, from, to, message, bytes } => {
                let arrow = if *who == Who::Client { "-->" } else { "<--" };
                anstream::println!(
                    "{} {arrow} {} {}",
                    name(*who),
                    styled(HEADING, format!("{message:?}").to_uppercase()),
                    styled(DIM, format!("({} bytes; state {from} becomes {to})", bytes.len())),
                );
                if !self.brief {
                    for line in crate::decode::explained_lines(bytes) {
                        anstream::println!("         {line}");
                    }
                }
            }
            Event::Tampered(what) => anstream::println!("{} {}", name(Who::Middle), styled(WARNING, what)),
            Event::Established { who, from, agreed } => print_agreed(*who, from, agreed),
            Event::Sealed { who, plaintext, bytes } => {
                anstream::println!("{} seals {plaintext:?}", name(*who));
                anstream::println!("         {}", styled(DIM, hex(bytes)));
            }
            Event::Unsealed { who, plaintext } => {
                anstream::println!("{} {} {plaintext:?}", name(*who), styled(GOOD, "verified and unsealed"));
            }
            Event::Refused { who, error } => {
                anstream::println!("{} {}: {error}", name(*who), styled(BAD, "refuses"));
            }
        }
    }

    fn as_json(&self, event: &Event) -> Value {
        match event {
            Event::Listening(address) => json!({ "event": "listening", "address": address.to_string() }),
            Event::Token { who, from, to, message, bytes } => json!({
                "event": "token",
                "from": label(*who),
                "state": from,
                "next_state": to,
                "message": format!("{message:?}").to_uppercase(),
                "token": hex(bytes),
                "decoded": if self.brief { Value::Null } else { crate::decode::explained_json(bytes) },
            }),
            Event::Tampered(what) => json!({ "event": "tampered", "what": what }),
            Event::Established { who, from, agreed } => json!({
                "event": "established",
                "side": label(*who),
                "state": from,
                "client": agreed.client,
                "target_name": agreed.target_name,
                "flags": format!("{:#010x}", agreed.flags.0),
                "flag_names": agreed.flags.rows().map(|row| row.name).collect::<Vec<_>>(),
                "attributes": attributes(agreed),
                "mic": agreed.mic,
            }),
            Event::Sealed { who, plaintext, bytes } => json!({
                "event": "sealed", "from": label(*who), "plaintext": plaintext, "message": hex(bytes),
            }),
            Event::Unsealed { who, plaintext } => {
                json!({ "event": "unsealed", "side": label(*who), "plaintext": plaintext })
            }
            Event::Refused { who, error } => {
                json!({ "event": "refused", "side": label(*who), "reason": error.to_string() })
            }
        }
    }
}

fn print_agreed(who: Who, from: &str, agreed: &Agreed) {
    anstream::println!(
        "{} {} {}",
        name(who),
        styled(GOOD, "established"),
        styled(DIM, format!("(state {from} becomes Established)")),
    );
    let row =
        |field: &str, value: &str| anstream::println!("         {} {value}", styled(FIELD, format!("{field:<12}")));
    row("client", &agreed.client);
    row("target name", agreed.target_name.as_deref().unwrap_or("none"));
    row("attributes", &attributes(agreed).join(", "));
    row("MIC", if agreed.mic { if who == Who::Client { "sent" } else { "checked" } } else { "none" });
    row("flags", &format!("{:#010x}", agreed.flags.0));
    for flag in agreed.flags.rows() {
        row("", flag.name);
    }
}

/// What was agreed on, by the names of the fields of [`ntlm::Attributes`].
fn attributes(agreed: &Agreed) -> Vec<&'static str> {
    let ntlm::Attributes {
        integrity,
        replay_detect,
        sequence_detect,
        confidentiality,
        identify,
        datagram,
        anonymous,
        guest,
    } = agreed.attributes;
    [
        (integrity, "integrity"),
        (replay_detect, "replay detection"),
        (sequence_detect, "sequence detection"),
        (confidentiality, "confidentiality"),
        (identify, "identify only"),
        (datagram, "connectionless"),
        (anonymous, "anonymous"),
        (guest, "guest"),
    ]
    .into_iter()
    .filter_map(|(agreed, name)| agreed.then_some(name))
    .collect()
}

fn name(who: Who) -> String {
    styled(HEADING, format!("{:>6}:", label(who)))
}

fn label(who: Who) -> &'static str {
    match who {
        Who::Client => "client",
        Who::Middle => "middle",
        Who::Server => "server",
    }
}
