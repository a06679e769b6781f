//! NegotiateMessage: no panic, and what parses is encoded to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::wire::NegotiateMessage;

fuzz_target!(|data: &[u8]| {
    if let Ok(message) = NegotiateMessage::parse(data) {
        let mut encoded = Vec::new();
        message.encode(&mut encoded);
        assert_eq!(encoded, data);
    }
});
