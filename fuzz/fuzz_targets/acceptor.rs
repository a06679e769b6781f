//! The server against a hostile client that does not know the password: no panic, and never `Established`.
//! The first byte chooses the policy, the next two are the length of the NEGOTIATE; the rest is the AUTHENTICATE.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use ntlm::config::LmCompatibilityLevel;
use ntlm::secret::SessionBaseKey;
use ntlm::{EntropyError, FileTime, LogonSuccess, Password, ServerConfig, ServerNames, ServerPolicy, server};

fuzz_target!(|data: &[u8]| {
    let Some((&[choice, low, high], rest)) = data.split_first_chunk::<3>() else { return };
    let Some((negotiate, authenticate)) = rest.split_at_checked(u16::from_le_bytes([low, high]).into()) else { return };
    let windows = ServerPolicy::windows();
    let policy = match choice & 3 {
        0 => ServerPolicy::strict(),
        1 => windows,
        2 => windows.dangerous_with_lm_compatibility_level(LmCompatibilityLevel::Level0),
        // Whatever is allowed, nobody gets in without a verdict.
        _ => {
            let mut policy = windows;
            policy.allow_anonymous = true;
            policy.allow_guest = true;
            policy.allow_datagram = true;
            policy.nil_domain_retry = true;
            policy.legacy_target_info = true;
            policy.echo_check = false;
            policy
        }
    };
    let config = Arc::new(ServerConfig::new(ServerNames::member("SERVER1", "EXAMPLE"), policy));
    let mut entropy = |bytes: &mut [u8]| -> Result<(), EntropyError> {
        bytes.fill(7);
        Ok(())
    };
    let now = FileTime(132_000_000_000_000_000);
    let mut challenge = Vec::new();
    let exchange = server::Exchange { allow_anonymous: choice & 8 != 0, ..Default::default() };
    let waiting = server::ExpectNegotiate::new(config, exchange);
    let waiting = match choice & 4 {
        0 => waiting.receive(negotiate, now, &mut entropy, &mut challenge),
        _ => waiting.datagram(now, &mut entropy, &mut challenge),
    };
    let Ok(waiting) = waiting else { return };
    let Ok(question) = waiting.receive(authenticate, now) else { return };
    let password = Password::new("a password that is in no corpus");
    let verdict = question.logon().dangerous_verify_lm(Some(&password.nt_hash()), password.lm_hash().as_ref());
    assert!(verdict.is_err(), "a response verified without the password");
    // An authority that vouches for whatever comes, but not for a key: no user stands on that.
    let verdict = match choice & 16 {
        0 => verdict,
        _ => Ok(LogonSuccess::from_authority(question.logon(), SessionBaseKey::from_authority([0; 16]), None)),
    };
    assert!(question.finish(verdict).is_err(), "established without a verdict");
});
