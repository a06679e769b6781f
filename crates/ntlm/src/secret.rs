//! One type per kind of key. Sixteen bytes are never just sixteen bytes: each type can only be made from the one before it, so that
//! the chain reads like MS-NLMP 3.3 and 3.4 and cannot be entered in the middle.
//!
//! ```text
//! Password -> NtHash -> ResponseKeyNt -> SessionBaseKey -> KeyExchangeKey -> ExportedSessionKey -> SigningKey, SealingKey
//!         \-> LmHash -> LmSessionKey ----------------------^
//! ```
//!
//! All of them are wiped when dropped, compare in constant time or not at all, and print as their name.

use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::crypto::{
    self, Blocks, HmacMd5, HmacMd5Blocks, HmacMd5OfNewKey, HmacMd5Pads, KeyStream, Nothing, Rc4, wipe,
};
use crate::env::{Entropy, EntropyError};
use crate::wire::{NegotiateFlags, UnicodeString, upcase};

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        pub struct $name([u8; $length]);

        impl Drop for $name {
            fn drop(&mut self) {
                wipe(&mut self.0);
            }
        }

        impl ZeroizeOnDrop for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

/// Whether two byte strings are equal, in a time that depends on their lengths alone.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    let ((a_words, a_rest), (b_words, b_rest)) = (a.as_chunks(), b.as_chunks());
    // Nearly everything that is compared is 16 bytes: words at a time. The barrier keeps the compiler from comparing the words themselves.
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let differences = a_words.iter().zip(b_words).fold(0, |sum, (a, b)| sum | (word(a) ^ word(b)));
    let differences = core::hint::black_box(differences);
    (a.len().ct_eq(&b.len()) & differences.ct_eq(&0) & a_rest.ct_eq(b_rest)).into()
}

/// A password: UTF-16 units, unpaired surrogates allowed (machine accounts have them).
pub struct Password(Vec<u16>);

impl Drop for Password {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Password {}

impl Password {
    /// A password given as text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        // Reserved in full, so that no half-filled buffer is left behind unwiped by growing.
        let mut units = Vec::with_capacity(text.len());
        units.extend(text.encode_utf16());
        Self(units)
    }

    /// A password given as UTF-16 units, taken as they are.
    #[must_use]
    pub fn from_units(units: &[u16]) -> Self {
        Self(units.to_vec())
    }

    /// NTOWFv1: MD4 of the UTF-16LE password (MS-NLMP 3.3.1).
    #[must_use]
    pub fn nt_hash(&self) -> NtHash {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.0.len() * 2));
        bytes.extend(self.0.iter().flat_map(|unit| unit.to_le_bytes()));
        NtHash(crypto::md4(&[&bytes]))
    }

    /// LMOWFv1 (MS-NLMP 3.3.1); `None` when the password is longer than 14 characters or not ASCII, and so has no LM hash that all
    /// code pages agree on.
    #[must_use]
    pub fn lm_hash(&self) -> Option<LmHash> {
        let mut padded = Zeroizing::new([0_u8; 14]);
        if self.0.len() > padded.len() {
            return None;
        }
        for (byte, &unit) in padded.iter_mut().zip(&self.0) {
            *byte = u8::try_from(unit).ok().filter(u8::is_ascii)?.to_ascii_uppercase();
        }
        let mut hash = LmHash([0; 16]);
        for (half, key) in hash.0.as_chunks_mut::<8>().0.iter_mut().zip(padded.as_chunks::<7>().0) {
            *half = crypto::des(key, *b"KGS!@#$%");
        }
        Some(hash)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

secret! {
    /// NTOWFv1, the NT hash of a password (MS-NLMP 3.3.1): whoever has it can log on with it.
    NtHash, 16
}

/// Bytes that cannot be anybody's NT hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnusableHash;

impl fmt::Display for UnusableHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a usable NT hash: it must be 16 bytes, neither all zero nor the \"no LM hash\" constant")
    }
}

impl core::error::Error for UnusableHash {}

impl NtHash {
    /// What Windows stores as LM hash when there is none; never a key.
    const NO_LM_HASH: [u8; 16] =
        [0xaa, 0xd3, 0xb4, 0x35, 0xb5, 0x14, 0x04, 0xee, 0xaa, 0xd3, 0xb4, 0x35, 0xb5, 0x14, 0x04, 0xee];

    /// An NT hash as stored somewhere.
    ///
    /// # Errors
    ///
    /// [`UnusableHash`] unless there are 16 bytes that are neither all zero nor the constant that stands for "no LM hash": such values are
    /// placeholders in stores, and an account must not be open to whoever knows the placeholder.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UnusableHash> {
        let hash: [u8; 16] = bytes.try_into().map_err(|_| UnusableHash)?;
        if equal(&hash, &[0; 16]) || equal(&hash, &Self::NO_LM_HASH) {
            return Err(UnusableHash);
        }
        Ok(Self(hash))
    }

    /// Whether this is the hash of the empty password, which everybody knows.
    #[must_use]
    pub fn is_of_empty_password(&self) -> bool {
        equal(&self.0, &crypto::md4(&[]))
    }

    /// A stand-in for the hash of an account that does not exist.
    pub(crate) fn of_nobody() -> Self {
        Self([0x5a; 16])
    }

    /// The 16 bytes, for a store or for a person who asked for them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    /// NTOWFv2 (MS-NLMP 3.3.2). The user name is upper-cased as Windows does, the domain is used as it is.
    #[must_use]
    pub fn response_key_nt(&self, user: &UnicodeString, domain: &UnicodeString) -> ResponseKeyNt {
        let mut mac = HmacMd5::new(&self.0).start();
        // Many units at a time: each by itself costs as much as a block.
        let mut take_in = |units: &[u16], form: fn(u16) -> u16| {
            let mut block = [[0; 2]; 32];
            for units in units.chunks(block.len()) {
                block.iter_mut().zip(units).for_each(|(bytes, &unit)| *bytes = form(unit).to_le_bytes());
                mac.update(block.as_flattened().get(..units.len() * 2).unwrap_or_default());
            }
        };
        take_in(user.units(), upcase);
        take_in(domain.units(), |unit| unit);
        ResponseKeyNt::new(mac.finish())
    }

    /// The NTLMv1 response to `challenge` (MS-NLMP 3.3.1).
    #[must_use]
    pub fn ntlmv1_response(&self, challenge: [u8; 8]) -> [u8; 24] {
        crypto::desl(&self.0, challenge)
    }

    /// SessionBaseKey of NTLMv1: MD4 of the hash (MS-NLMP 3.3.1).
    #[must_use]
    pub fn session_base_key(&self) -> SessionBaseKey {
        SessionBaseKey(crypto::md4(&[&self.0]))
    }

    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0)
    }
}

secret! {
    /// LMOWFv1, the LM hash of a password (MS-NLMP 3.3.1). Exists for policies named `dangerous_` only.
    LmHash, 16
}

impl LmHash {
    /// The LM response to `challenge` (MS-NLMP 3.3.1).
    #[must_use]
    pub fn lm_response(&self, challenge: [u8; 8]) -> [u8; 24] {
        crypto::desl(&self.0, challenge)
    }

    /// A stand-in for the hash of an account that has none.
    pub(crate) fn of_nobody() -> Self {
        Self([0x5a; 16])
    }

    /// Whether this can be somebody's: not zeros, and not what stands for "no LM hash", which is also that of the empty password.
    pub(crate) fn is_usable(&self) -> bool {
        !equal(&self.0, &[0; 16]) && !equal(&self.0, &NtHash::NO_LM_HASH)
    }

    /// The half of the hash that keys are made of.
    #[must_use]
    pub fn session_key(&self) -> LmSessionKey {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        LmSessionKey([a, b, c, d, e, f, g, h])
    }

    /// The 16 bytes, for a person who asked for them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0)
    }
}

secret! {
    /// The first eight bytes of the LM hash: what a domain controller returns as LMKey.
    LmSessionKey, 8
}

impl LmSessionKey {
    /// An LMKey as an authority returned it.
    #[must_use]
    pub fn from_authority(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// KXKEY with NTLMSSP_REQUEST_NON_NT_SESSION_KEY, and the base key of a logon by LM alone: padded with zeros.
    fn padded(&self) -> [u8; 16] {
        let [a, b, c, d, e, f, g, h] = self.0;
        [a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0]
    }

    /// SessionBaseKey of a logon by an LM response alone.
    #[must_use]
    pub fn session_base_key(&self) -> SessionBaseKey {
        SessionBaseKey(self.padded())
    }
}

/// NTOWFv2, the key of NTLMv2 responses (MS-NLMP 3.3.2): belongs to one user in one domain. Kept also in the form in which it works, which is
/// asked for several times in each logon.
pub struct ResponseKeyNt {
    bytes: [u8; 16],
    hmac: HmacMd5,
}

impl Drop for ResponseKeyNt {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

impl ZeroizeOnDrop for ResponseKeyNt {}

impl fmt::Debug for ResponseKeyNt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseKeyNt(..)")
    }
}

impl ResponseKeyNt {
    fn new(bytes: [u8; 16]) -> Self {
        Self { hmac: HmacMd5::new(&bytes), bytes }
    }

    /// The 16 bytes, for a person who asked for them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// NTProofStr over the server's challenge and an NTLMv2_CLIENT_CHALLENGE (MS-NLMP 3.3.2).
    #[must_use]
    pub fn nt_proof_str(&self, server_challenge: [u8; 8], client_challenge: &[u8]) -> [u8; 16] {
        self.hmac.compute(&[&server_challenge, client_challenge])
    }

    /// The LMv2 response (MS-NLMP 3.3.2).
    #[must_use]
    pub fn lmv2_response(&self, server_challenge: [u8; 8], challenge_from_client: [u8; 8]) -> [u8; 24] {
        let mut response = [0; 24];
        let hash = self.hmac.compute(&[&server_challenge, &challenge_from_client]);
        for (to, from) in response.iter_mut().zip(hash.into_iter().chain(challenge_from_client)) {
            *to = from;
        }
        response
    }

    /// SessionBaseKey of NTLMv2 (MS-NLMP 3.3.2).
    #[must_use]
    pub fn session_base_key(&self, nt_proof_str: &[u8; 16]) -> SessionBaseKey {
        SessionBaseKey(self.hmac.compute(&[nt_proof_str]))
    }

    /// The blocks of NTProofStr over `message`: the server's challenge and an NTLMv2_CLIENT_CHALLENGE.
    pub(crate) fn proof_blocks<'a>(&self, message: &'a [&'a [u8]]) -> HmacMd5Blocks<'a> {
        self.hmac.blocks(message)
    }

    /// NTProofStr and the SessionBaseKey that it leads to, while `others` are hashed.
    pub(crate) fn prove_beside(
        &self,
        server_challenge: [u8; 8],
        client_challenge: &[u8],
        others: &mut impl Blocks,
    ) -> ([u8; 16], SessionBaseKey) {
        let proof = self.hmac.compute_beside(&[&server_challenge, client_challenge], others);
        let key = self.hmac.compute_beside(&[&proof], others);
        (proof, SessionBaseKey(key))
    }

    /// NTProofStr as [`nt_proof_str`](Self::nt_proof_str) makes it, and SessionBaseKey for the one that was received: at once, since neither waits for the other.
    pub(crate) fn proof_and_base_key(
        &self,
        server_challenge: [u8; 8],
        client_challenge: &[u8],
        received: &[u8; 16],
    ) -> ([u8; 16], SessionBaseKey) {
        let [proof, key] = self.hmac.compute_two([&[&server_challenge, client_challenge], &[received]]);
        (proof, SessionBaseKey(key))
    }

    pub(crate) fn duplicate(&self) -> Self {
        Self { bytes: self.bytes, hmac: self.hmac.clone() }
    }
}

secret! {
    /// SessionBaseKey (MS-NLMP 3.3): what a correct response proves knowledge of.
    SessionBaseKey, 16
}

impl SessionBaseKey {
    /// A session base key as an authority returned it: the UserSessionKey of a domain controller's validation.
    #[must_use]
    pub fn from_authority(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// KXKEY of NTLMv2: the same bytes (MS-NLMP 3.4.5.1).
    #[must_use]
    pub fn key_exchange_key_v2(&self) -> KeyExchangeKey {
        KeyExchangeKey(self.0)
    }

    /// KXKEY of NTLMv1 (MS-NLMP 3.4.5.1). `lm` is needed where `flags` ask for a LAN Manager key; without it they get the base key.
    #[must_use]
    pub fn key_exchange_key_v1(
        &self,
        flags: NegotiateFlags,
        server_challenge: [u8; 8],
        lm_response: &[u8],
        lm: Option<&LmSessionKey>,
    ) -> KeyExchangeKey {
        let lm_start = lm_response.first_chunk::<8>().copied().unwrap_or_default();
        if flags.contains(NegotiateFlags::EXTENDED_SESSIONSECURITY) {
            return KeyExchangeKey(crypto::hmac_md5(&self.0, &[&server_challenge, &lm_start]));
        }
        match lm {
            Some(lm) if flags.contains(NegotiateFlags::LM_KEY) => {
                let [a, b, c, d, e, f, g, h] = lm.0;
                let mut key = [0; 16];
                let keys = Zeroizing::new([[a, b, c, d, e, f, g], [h, 0xbd, 0xbd, 0xbd, 0xbd, 0xbd, 0xbd]]);
                for (half, des_key) in key.as_chunks_mut::<8>().0.iter_mut().zip(keys.iter()) {
                    *half = crypto::des(des_key, lm_start);
                }
                KeyExchangeKey(key)
            }
            Some(lm) if flags.contains(NegotiateFlags::REQUEST_NON_NT_SESSION_KEY) => KeyExchangeKey(lm.padded()),
            _ => KeyExchangeKey(self.0),
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        equal(&self.0, &[0; 16])
    }

    /// The 16 bytes, for a person who asked for them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

secret! {
    /// KeyExchangeKey (MS-NLMP 3.4.5.1).
    KeyExchangeKey, 16
}

impl KeyExchangeKey {
    /// The key of anonymous and guest sessions: zeros, known to everybody.
    #[must_use]
    pub fn anonymous() -> Self {
        Self([0; 16])
    }

    /// `RC4K(KeyExchangeKey, ExportedSessionKey)`: EncryptedRandomSessionKey (MS-NLMP 3.1.5.1.2).
    #[must_use]
    pub fn encrypt(&self, key: &ExportedSessionKey) -> [u8; 16] {
        self.encrypt_beside(key, &mut Nothing)
    }

    /// As [`encrypt`](Self::encrypt), and hashes `others` meanwhile.
    pub(crate) fn encrypt_beside(&self, key: &ExportedSessionKey, others: &mut impl Blocks) -> [u8; 16] {
        Rc4::new_beside(&self.0, others).applied(key.0)
    }

    /// ExportedSessionKey from EncryptedRandomSessionKey (MS-NLMP 3.2.5.1.2).
    #[must_use]
    pub fn decrypt(&self, encrypted: [u8; 16]) -> ExportedSessionKey {
        self.decrypt_beside(encrypted, &mut Nothing)
    }

    /// As [`decrypt`](Self::decrypt), and hashes `others` meanwhile.
    pub(crate) fn decrypt_beside(&self, encrypted: [u8; 16], others: &mut impl Blocks) -> ExportedSessionKey {
        ExportedSessionKey(Rc4::new_beside(&self.0, others).applied(encrypted))
    }

    /// ExportedSessionKey without a key exchange: the same bytes.
    #[must_use]
    pub fn exported_session_key(&self) -> ExportedSessionKey {
        ExportedSessionKey(self.0)
    }

    /// The 16 bytes, for a person who asked for them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

secret! {
    /// ExportedSessionKey (MS-NLMP 3.1.1.2): the session key that applications get, and the key of the MIC. Always 16 bytes, never weakened.
    ExportedSessionKey, 16
}

/// Which way a message goes: each way has its own keys with extended session security.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From client to server.
    ClientToServer,
    /// From server to client.
    ServerToClient,
}

impl Direction {
    /// Of SIGNKEY (MS-NLMP 3.4.5.2).
    fn signing_constant(self) -> &'static [u8] {
        match self {
            Self::ClientToServer => b"session key to client-to-server signing key magic constant\0",
            Self::ServerToClient => b"session key to server-to-client signing key magic constant\0",
        }
    }

    /// Of SEALKEY (MS-NLMP 3.4.5.3).
    fn sealing_constant(self) -> &'static [u8] {
        match self {
            Self::ClientToServer => b"session key to client-to-server sealing key magic constant\0",
            Self::ServerToClient => b"session key to server-to-client sealing key magic constant\0",
        }
    }
}

impl ExportedSessionKey {
    /// A fresh random key, for a client that exchanges keys.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when `entropy` fails.
    pub fn random(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        let mut key = Self([0; 16]);
        entropy.fill(&mut key.0)?;
        Ok(key)
    }

    pub(crate) fn from_array(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Whether this is the same key, in constant time.
    pub(crate) fn is(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }

    /// The 16 bytes that SMB, RPC and others derive their own keys from (SSPI: SECPKG_ATTR_SESSION_KEY).
    #[must_use]
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    /// The MIC over the three messages as they were on the wire, the MIC field taken as zero (MS-NLMP 3.1.5.1.2).
    /// `negotiate` is empty for connectionless authentication.
    #[must_use]
    pub fn mic(&self, negotiate: &[u8], challenge: &[u8], authenticate: &[u8], mic_offset: usize) -> [u8; 16] {
        let (before, rest) = authenticate.split_at_checked(mic_offset).unwrap_or((authenticate, &[]));
        let after = rest.get(16..).unwrap_or(&[]);
        crypto::hmac_md5(&self.0, &[negotiate, challenge, before, &[0; 16], after])
    }

    /// The HMAC of a MIC over messages that come piece by piece.
    pub(crate) fn start_mic(&self) -> HmacMd5OfNewKey {
        HmacMd5OfNewKey::new(&self.0)
    }

    /// SIGNKEY (MS-NLMP 3.4.5.2); `None` without extended session security, which has none. Never weakened.
    #[must_use]
    pub fn signing_key(&self, flags: NegotiateFlags, direction: Direction) -> Option<SigningKey> {
        let key = || SigningKey(crypto::md5(&[&self.0, direction.signing_constant()]));
        flags.contains(NegotiateFlags::EXTENDED_SESSIONSECURITY).then(key)
    }

    /// SIGNKEY and SEALKEY at once, which takes little longer than one of them.
    pub(crate) fn message_keys(
        &self,
        flags: NegotiateFlags,
        ntlm_revision: u8,
        direction: Direction,
    ) -> (Option<SigningKey>, SealingKey) {
        if !flags.contains(NegotiateFlags::EXTENDED_SESSIONSECURITY) {
            return (None, self.sealing_key(flags, ntlm_revision, direction));
        }
        let [signing, sealing] = crypto::md5_two([
            &[&self.0, direction.signing_constant()],
            &[self.weakened(flags), direction.sealing_constant()],
        ]);
        (Some(SigningKey(signing)), SealingKey { bytes: sealing, length: 16 })
    }

    /// What SEALKEY with extended session security is made of.
    fn weakened(&self, flags: NegotiateFlags) -> &[u8] {
        let length = if flags.contains(NegotiateFlags::N128) {
            16
        } else if flags.contains(NegotiateFlags::N56) {
            7
        } else {
            5
        };
        self.0.get(..length).unwrap_or(&self.0)
    }

    /// SEALKEY (MS-NLMP 3.4.5.3). `ntlm_revision` is NTLMRevisionCurrent of the session, which matters for connectionless sessions without
    /// extended session security alone.
    #[must_use]
    pub fn sealing_key(&self, flags: NegotiateFlags, ntlm_revision: u8, direction: Direction) -> SealingKey {
        if flags.contains(NegotiateFlags::EXTENDED_SESSIONSECURITY) {
            let bytes = crypto::md5(&[self.weakened(flags), direction.sealing_constant()]);
            return SealingKey { bytes, length: 16 };
        }
        let datagram = flags.contains(NegotiateFlags::DATAGRAM) && ntlm_revision >= 15;
        if flags.contains(NegotiateFlags::LM_KEY) || datagram {
            let (kept, tail): (usize, &[u8]) =
                if flags.contains(NegotiateFlags::N56) { (7, &[0xa0]) } else { (5, &[0xe5, 0x38, 0xb0]) };
            let mut key = SealingKey { bytes: [0; 16], length: 8 };
            let short = self.0.iter().take(kept).chain(tail);
            key.bytes.iter_mut().zip(short).for_each(|(to, from)| *to = *from);
            return key;
        }
        SealingKey { bytes: self.0, length: 16 }
    }

    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0)
    }
}

secret! {
    /// SigningKey of one direction (MS-NLMP 3.4.5.2).
    SigningKey, 16
}

impl SigningKey {
    /// The 16 bytes, for known-answer tests.
    #[must_use]
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    pub(crate) fn hmac(&self) -> HmacMd5 {
        self.hmac_pads().finish()
    }

    pub(crate) fn hmac_pads(&self) -> HmacMd5Pads {
        HmacMd5Pads::new(&self.0)
    }
}

/// SealingKey of one direction (MS-NLMP 3.4.5.3): 16 bytes, or 8 in the oldest sessions.
pub struct SealingKey {
    bytes: [u8; 16],
    length: usize,
}

impl Drop for SealingKey {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

impl ZeroizeOnDrop for SealingKey {}

impl SealingKey {
    /// The 8 or 16 bytes, for known-answer tests.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }

    /// The key stream of a session, set up while `others` are hashed.
    pub(crate) fn key_stream_beside(&self, others: &mut impl Blocks) -> KeyStream {
        let expose = self.expose();
        KeyStream::new(match expose.try_into() {
            Ok(key) => Rc4::new_beside(key, others),
            Err(_) => Rc4::new(expose),
        })
    }

    /// The key stream of one connectionless message: `MD5(SealingKey || SeqNum)` (MS-NLMP 3.4.4).
    #[must_use]
    pub fn datagram_rc4(&self, sequence_number: u32) -> Rc4 {
        let mut key = crypto::md5(&[self.expose(), &sequence_number.to_le_bytes()]);
        let stream = Rc4::new(&key);
        wipe(&mut key);
        stream
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}
