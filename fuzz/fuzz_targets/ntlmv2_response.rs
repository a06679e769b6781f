//! NtlmV2Response: no panic, errors behind the offset it was told.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::wire::NtlmV2Response;

fuzz_target!(|data: &[u8]| match NtlmV2Response::parse(data, 1000) {
    Ok(response) => assert_eq!(response.client_challenge, &data[16..]),
    Err(error) => assert!(error.offset >= 1000),
});
