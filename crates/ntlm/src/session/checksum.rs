//! The keys of a half in the form in which they work, and the checksum and signature of a message (MS-NLMP 3.4.4).

use super::Half;
use crate::crypto::{Crc32, HmacMd5, KeyStream, Nothing, Rc4};
use crate::wire::{MessageSignature, NegotiateFlags};

/// The keys in the form in which they work.
pub(crate) struct Running {
    /// With extended session security.
    pub(super) hmac: Option<HmacMd5>,
    pub(crate) stream: KeyStream,
}

impl Running {
    /// With the keys of `half`.
    pub(super) fn start(half: &Half) -> Self {
        let (signing_key, sealing_key) = half.key.message_keys(half.flags, half.ntlm_revision, half.direction);
        match signing_key.map(|key| key.hmac_pads()) {
            None => Self { hmac: None, stream: sealing_key.key_stream_beside(&mut Nothing) },
            Some(mut pads) => {
                let stream = sealing_key.key_stream_beside(&mut pads);
                Self { hmac: Some(pads.finish()), stream }
            }
        }
    }

    /// With the keys of `half`, and a key stream that was begun elsewhere.
    pub(crate) fn resume(half: &Half, stream: Rc4) -> Self {
        let hmac = half.key.signing_key(half.flags, half.direction).map(|key| key.hmac());
        Self { hmac, stream: KeyStream::new(stream) }
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
    pub(super) fn seal(&mut self, piece: &mut [u8], stream: &mut KeyStream) {
        match self {
            Self::Hmac(message) => message.update_and_encrypt(piece, stream),
            Self::Crc32(crc) => {
                crc.update(piece);
                stream.apply(piece);
            }
        }
    }

    /// Decrypts a piece and takes it in.
    pub(super) fn unseal(&mut self, piece: &mut [u8], stream: &mut KeyStream) {
        match self {
            Self::Hmac(message) => message.decrypt_and_update(piece, stream),
            Self::Crc32(crc) => {
                stream.apply(piece);
                crc.update(piece);
            }
        }
    }

    /// As [`finish`](Self::finish), for a message that was unsealed: of the key stream, what the next one needs is made ahead.
    pub(super) fn finish_unsealed(
        self,
        flags: NegotiateFlags,
        stream: &mut KeyStream,
        sequence_number: u32,
    ) -> MessageSignature {
        match self {
            Self::Hmac(message) => {
                let hash = message.finish_beside(stream);
                of_hash(hash, flags, stream, sequence_number)
            }
            Self::Crc32(_) => self.finish(flags, stream, sequence_number),
        }
    }

    /// The signature (MS-NLMP 3.4.4.1 and 3.4.4.2), which takes its part of the key stream.
    pub(super) fn finish(
        self,
        flags: NegotiateFlags,
        stream: &mut KeyStream,
        sequence_number: u32,
    ) -> MessageSignature {
        match self {
            Self::Hmac(message) => of_hash(message.finish(), flags, stream, sequence_number),
            Self::Crc32(crc) => {
                // RandomPad takes its key stream and is sent as zero.
                let _ = stream.applied([0; 4]);
                let [a, b, c, d] = stream.applied(crc.finish().to_le_bytes());
                let sequence_number = stream.applied(sequence_number.to_le_bytes());
                MessageSignature { checksum: [0, 0, 0, 0, a, b, c, d], sequence_number }
            }
        }
    }
}

/// The signature with extended session security (MS-NLMP 3.4.4.2).
fn of_hash(hash: [u8; 16], flags: NegotiateFlags, stream: &mut KeyStream, sequence_number: u32) -> MessageSignature {
    let [a, b, c, d, e, f, g, h, ..] = hash;
    let mut checksum = [a, b, c, d, e, f, g, h];
    if flags.contains(NegotiateFlags::KEY_EXCH) {
        stream.apply(&mut checksum);
    }
    MessageSignature { checksum, sequence_number: sequence_number.to_le_bytes() }
}
