//! The keys of a half in the form in which they work, and the checksum and signature of a message (MS-NLMP 3.4.4).

use super::Half;
use crate::crypto::{Crc32, HmacMd5, Rc4};
use crate::wire::{MessageSignature, NegotiateFlags};

/// The keys in the form in which they work.
pub(crate) struct Running {
    /// With extended session security.
    pub(super) hmac: Option<HmacMd5>,
    pub(crate) rc4: Rc4,
}

impl Running {
    pub(crate) fn resume(half: &Half, rc4: Rc4) -> Self {
        let hmac = half.key.signing_key(half.flags, half.direction).map(|key| key.hmac());
        Self { hmac, rc4 }
    }
}

/// The checksum over a message that comes piece by piece.
pub(super) enum Checksum {
    Hmac(crate::crypto::HmacMd5Message),
    Crc32(Crc32),
}

impl Checksum {
    pub(super) fn start(running: &Running, sequence_number: u32) -> Self {
        match &running.hmac {
            Some(hmac) => {
                let mut message = hmac.start();
                message.update(&sequence_number.to_le_bytes());
                Self::Hmac(message)
            }
            None => Self::Crc32(Crc32::new()),
        }
    }

    pub(super) fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Hmac(message) => message.update(piece),
            Self::Crc32(crc) => crc.update(piece),
        }
    }

    /// Takes in a piece and encrypts it.
    pub(super) fn seal(&mut self, piece: &mut [u8], rc4: &mut Rc4) {
        match self {
            Self::Hmac(message) => message.update_and_encrypt(piece, rc4),
            Self::Crc32(crc) => {
                crc.update(piece);
                rc4.apply(piece);
            }
        }
    }

    /// Decrypts a piece and takes it in.
    pub(super) fn unseal(&mut self, piece: &mut [u8], rc4: &mut Rc4) {
        match self {
            Self::Hmac(message) => message.decrypt_and_update(piece, rc4),
            Self::Crc32(crc) => {
                rc4.apply(piece);
                crc.update(piece);
            }
        }
    }

    /// The signature (MS-NLMP 3.4.4.1 and 3.4.4.2), which takes its part of the key stream.
    pub(super) fn finish(self, flags: NegotiateFlags, rc4: &mut Rc4, sequence_number: u32) -> MessageSignature {
        match self {
            Self::Hmac(message) => {
                let [a, b, c, d, e, f, g, h, ..] = message.finish();
                let mut checksum = [a, b, c, d, e, f, g, h];
                if flags.contains(NegotiateFlags::KEY_EXCH) {
                    rc4.apply(&mut checksum);
                }
                MessageSignature { checksum, sequence_number: sequence_number.to_le_bytes() }
            }
            Self::Crc32(crc) => {
                // RandomPad takes its key stream and is sent as zero.
                let _ = rc4.applied([0; 4]);
                let [a, b, c, d] = rc4.applied(crc.finish().to_le_bytes());
                let sequence_number = rc4.applied(sequence_number.to_le_bytes());
                MessageSignature { checksum: [0, 0, 0, 0, a, b, c, d], sequence_number }
            }
        }
    }
}
