//! Every policy setting, both ways: what it refuses, with which error, and what it lets pass, with which observation.
//!
//! | module | settings |
//! |---|---|
//! | `ready_made` | `strict` and `windows`, setting by setting |
//! | `levels` | LmCompatibilityLevel, `no_lm_response_ntlmv1`, `legacy_lmv2` |
//! | `strength` | `require_128`, `extended_session_security`, required signing and sealing, `dropped_capabilities` |
//! | `proofs` | `mic`, `echo_check`, `legacy_target_info`, `require_target_info`, `channel_bindings`, `target_name`, the clocks |
//! | `admission` | blocking, `oem`, anonymous and guest, `nil_domain_retry`, `allow_datagram`, unasked challenges, the reflection guard |
//! | `real_clients` | what other makers' clients send, under both policies |
//!
//! What an attacker makes of a setting is in `attacks.rs`.

mod support;

#[path = "policy/admission.rs"]
mod admission;
#[path = "policy/levels.rs"]
mod levels;
#[path = "policy/proofs.rs"]
mod proofs;
#[path = "policy/ready_made.rs"]
mod ready_made;
#[path = "policy/real_clients.rs"]
mod real_clients;
#[path = "policy/strength.rs"]
mod strength;

use ntlm::{ClientConfig, ClientPolicy, Credentials, Error, Established, Password, ServerPolicy, client};

use support::pair::{LoadedDice, NOW, PASSWORD, Pair};

/// A pair with the policies `windows`.
fn windows() -> Pair {
    Pair::with_policies(ClientPolicy::windows(), ServerPolicy::windows())
}

/// Both ready-made policies.
fn both() -> [Pair; 2] {
    [Pair::new(), windows()]
}

/// EXAMPLE\alice in front of a challenge that somebody made up.
fn answer(policy: ClientPolicy, exchange: client::Exchange, challenge: &[u8]) -> Result<(Vec<u8>, Established), Error> {
    let credentials = Credentials::new(r"EXAMPLE\alice", &Password::new(PASSWORD));
    let start = client::Start::new(ClientConfig::new(policy).into(), credentials.into(), exchange);
    let mut out = Vec::new();
    let waiting = start.send(&mut Vec::new())?;
    let established = waiting.receive(challenge, NOW, &mut LoadedDice::new(3), &mut out)?;
    Ok((out, established))
}
