//! The client against a hostile server: no panic, and what it sends parses and claims a MIC when it can.
//! The first byte chooses policy and requirements.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use ntlm::config::LmCompatibilityLevel;
use ntlm::wire::{AuthenticateMessage, AvFlags, NtlmV2Response, ResponseClass};
use ntlm::{ClientConfig, ClientPolicy, Credentials, EntropyError, FileTime, Password, Requirements, client};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, challenge)) = data.split_first() else { return };
    let policy = match choice & 3 {
        0 => ClientPolicy::strict(),
        1 => ClientPolicy::windows(),
        2 => ClientPolicy::windows().dangerous_with_lm_compatibility_level(LmCompatibilityLevel::Level0),
        _ => {
            let mut policy = ClientPolicy::windows();
            policy.oem = ntlm::config::OemPolicy::Accept;
            policy
        }
    };
    let requirements = if choice & 4 == 0 { Requirements::default() } else { Requirements::seal() };
    let credentials =
        Credentials::new(if choice & 8 == 0 { r"EXAMPLE\alice" } else { r".\alice" }, &Password::new("secret"));
    let exchange = client::Exchange { target_name: Some("host/server".into()), requirements, ..Default::default() };
    let start = client::Start::new(Arc::new(ClientConfig::new(policy)), Arc::new(credentials), exchange);
    let Ok(waiting) = start.send(&mut Vec::new()) else { return };
    let mut entropy = |bytes: &mut [u8]| -> Result<(), EntropyError> {
        bytes.fill(7);
        Ok(())
    };
    let mut sent = vec![0xee; 3];
    match waiting.receive(challenge, FileTime(132_000_000_000_000_000), &mut entropy, &mut sent) {
        Err(_) => assert_eq!(sent, [0xee; 3], "nothing is sent when it fails"),
        Ok(context) => {
            let message = AuthenticateMessage::parse(&sent[3..]).expect("what we send is well-formed");
            if context.info.response_class() == ResponseClass::NtlmV2 {
                let response = NtlmV2Response::parse(message.nt_response, 0).expect("a well-formed response");
                let claimed = response.av_pairs.flags().is_some_and(|flags| flags.contains(AvFlags::MIC_PROVIDED));
                assert_eq!(claimed, context.info.has_mic());
            }
        }
    }
});
