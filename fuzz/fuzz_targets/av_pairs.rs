//! AvPairs: no panic, and every pair lies inside the bytes, behind the one before.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::wire::{AvPairs, AvPairsBuilder, Part};

fuzz_target!(|data: &[u8]| {
    let Ok(pairs) = AvPairs::parse(data, Part::Challenge, 0) else { return };
    let mut end = 0;
    let mut builder = AvPairsBuilder::new();
    for pair in pairs.iter() {
        assert_eq!(pair.offset, end);
        end += 4 + pair.value.len();
        builder.push(pair.id, pair.value);
    }
    assert!(data.starts_with(&builder.finish()));
    let _ = (pairs.flags(), pairs.timestamp(), pairs.channel_bindings());
});
