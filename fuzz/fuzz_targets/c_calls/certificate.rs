//! Certificates in DER, as far as the library looks at them, and what comes close.

use crate::input::{Input, Memory};

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BIT_STRING: u8 = 0x03;
const CONTEXT_0: u8 = 0xa0;

/// Object identifiers that say a hash function with the byte behind them: PKCS #1, ECDSA with SHA-2, NIST's signatures, NIST's hashes.
const PREFIXES: [&[u8]; 4] = [
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01],
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03],
    &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03],
    &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02],
];
/// RSASSA-PSS, which says its hash function in its parameters.
const PSS: u8 = 10;
/// sha1, md5, ecdsa-with-SHA1, dsa-with-SHA1, Ed25519.
const WHOLE: [&[u8]; 5] = [
    &[0x2b, 0x0e, 0x03, 0x02, 0x1a],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05],
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01],
    &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03],
    &[0x2b, 0x65, 0x70],
];

/// An element, whose length is mostly said as it should be.
fn element(tag: u8, content: &[u8], input: &mut Input<'_>) -> Vec<u8> {
    let length = content.len() as u32;
    let (first, length) = match input.byte() & 31 {
        0 => (0x80 | input.byte(), input.word()),
        1 => (0x84, length),
        2 => (0x83, length),
        3 => (0x82, length),
        4 => (0x81, length),
        5 => (length as u8, length),
        6 => (0x84, input.word()),
        _ if length < 0x80 => (length as u8, length),
        _ if length < 0x100 => (0x81, length),
        _ => (0x82, length),
    };
    let digits = if first < 0x80 { 0 } else { usize::from(first & 0x7f).min(4) };
    [&[tag, first], &length.to_be_bytes()[4 - digits..], content].concat()
}

fn object_identifier(input: &mut Input<'_>) -> Vec<u8> {
    let choice = input.byte();
    let index = usize::from(choice >> 4);
    let name = match choice & 15 {
        0 => input.counted().to_vec(),
        1..=3 => WHOLE[index % WHOLE.len()].to_vec(),
        4..=6 => [PREFIXES[0], &[PSS]].concat(),
        _ => [PREFIXES[index % PREFIXES.len()], &[input.byte()]].concat(),
    };
    element(OBJECT_IDENTIFIER, &name, input)
}

fn parameters(input: &mut Input<'_>) -> Vec<u8> {
    match input.byte() & 7 {
        0 => Vec::new(),
        1 => vec![5, 0],
        2 => input.counted().to_vec(),
        // RSASSA-PSS-params without a hash function, and with one.
        3 => element(SEQUENCE, &[], input),
        _ => {
            let hash = object_identifier(input);
            let hash = element(SEQUENCE, &hash, input);
            let mut content = element(CONTEXT_0, &hash, input);
            let behind = input.below(4);
            content.extend(input.bytes(behind));
            element(SEQUENCE, &content, input)
        }
    }
}

/// A certificate, or something like one.
pub fn certificate(input: &mut Input<'_>) -> Memory {
    let choice = input.byte();
    if choice & 15 == 0 {
        return Memory::new(input.counted(), 0);
    }
    let to_be_signed = element(SEQUENCE, &vec![7; usize::from(input.byte())], input);
    let algorithm = [object_identifier(input), parameters(input)].concat();
    let algorithm = element(SEQUENCE, &algorithm, input);
    let signature = element(BIT_STRING, &[0; 33], input);
    let mut der = element(SEQUENCE, &[to_be_signed, algorithm, signature].concat(), input);
    match choice & 15 {
        1 => der.truncate(usize::from(input.byte())),
        2 => der.extend(input.bytes(4)),
        3..=5 => {
            for _ in 0..=input.below(4) {
                let place = (usize::from(input.byte()) << 8 | usize::from(input.byte())) % der.len();
                der[place] ^= input.byte();
            }
        }
        _ => {}
    }
    Memory::new(&der, 0)
}
