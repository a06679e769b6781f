//! An established NTLM context: its attributes, and its messages with a lock for each direction.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ntlm::session::{Sealer, Unsealer};
use ntlm::wire::{ChallengeMessage, MessageSignature};
use ntlm::{ContextInfo, Error, Established, NegotiateFlags, Piece, Role, Session, UnicodeString};
use zeroize::Zeroizing;

use super::{Shared, echoed};
use crate::buffers::{self, Buffer};
use crate::credentials::qualified_name;
use crate::environment::NEVER;
use crate::package::EstablishedContext;
use crate::status::SecurityStatus;
use crate::tables::attributes::{AttributeId, AttributeValue, SessionKey};
use crate::tables::flags::Meanings;
use crate::tables::package_info::{self, PackageInfo};

/// An established NTLM context.
pub(super) struct NtlmContext {
    shared: Arc<Shared>,
    info: ContextInfo,
    requests: Meanings,
    challenge: Challenge,
    /// Whether messages may be encrypted: asked for each.
    seals: bool,
    protection: Protection,
}

/// The CHALLENGE_MESSAGE; nothing for an imported context, which has not seen one.
#[derive(Default)]
pub(super) struct Challenge {
    /// It, and what may come before it.
    pub(super) messages: Vec<u8>,
    /// Where it starts.
    pub(super) start: usize,
}

/// The session, with a lock for each direction where it has two.
enum Protection {
    Halves { sealer: Locked<Sealer>, unsealer: Apart<Locked<Unsealer>> },
    // Boxed: rare, and larger than the halves, which hold their keys elsewhere.
    Whole(Box<Locked<Session>>),
}

/// What one thread uses while another uses what is before it: not in the same cache line.
struct Apart<T> {
    _space: [u64; 8],
    value: T,
}

/// `None` after an export.
type Locked<T> = Mutex<Option<T>>;

fn locked<T>(value: T) -> Locked<T> {
    Mutex::new(Some(value))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the lock protects is never left half-changed: a panic in between cannot have broken it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The context was exported: it is as good as deleted.
const GONE: SecurityStatus = SecurityStatus::SEC_E_INVALID_HANDLE;

impl NtlmContext {
    #[inline]
    pub(super) fn new(shared: Arc<Shared>, context: Established, requests: Meanings, challenge: Challenge) -> Self {
        let Established { info, session } = context;
        let protection = match session.split() {
            Ok((sealer, unsealer)) => Protection::Halves {
                sealer: locked(sealer),
                unsealer: Apart { _space: [0; 8], value: locked(unsealer) },
            },
            Err(session) => Protection::Whole(Box::new(locked(session))),
        };
        let seals = info.attributes().confidentiality;
        Self { shared, info, requests, challenge, seals, protection }
    }

    fn is_datagram(&self) -> bool {
        self.info.flags().contains(NegotiateFlags::DATAGRAM)
    }

    /// Protects a message with whatever half does that.
    fn seal(&self, pieces: &mut [Piece<'_>], sequence_number: u32) -> Result<[u8; 16], SecurityStatus> {
        match &self.protection {
            Protection::Halves { sealer, .. } => Ok(lock(sealer).as_mut().ok_or(GONE)?.seal(pieces)?),
            Protection::Whole(session) => {
                let mut session = lock(session);
                let session = session.as_mut().ok_or(GONE)?;
                Ok(if !session.signs() {
                    // Nothing was negotiated that needs keys: Windows writes a signature that proves nothing.
                    MessageSignature::DUMMY
                } else if self.is_datagram() {
                    session.seal_datagram(sequence_number, pieces)?
                } else {
                    session.seal(pieces)?
                })
            }
        }
    }

    fn unseal(&self, pieces: &mut [Piece<'_>], signature: &[u8], sequence_number: u32) -> Result<(), SecurityStatus> {
        let result = match &self.protection {
            Protection::Halves { unsealer, .. } => {
                lock(&unsealer.value).as_mut().ok_or(GONE)?.unseal(pieces, signature)
            }
            Protection::Whole(session) => {
                let mut session = lock(session);
                let session = session.as_mut().ok_or(GONE)?;
                if !session.signs() {
                    let dummy = signature == MessageSignature::DUMMY;
                    return if dummy { Ok(()) } else { Err(SecurityStatus::SEC_E_MESSAGE_ALTERED) };
                }
                if self.is_datagram() {
                    session.unseal_datagram(sequence_number, pieces, signature)
                } else {
                    session.unseal(pieces, signature)
                }
            }
        };
        result.map_err(|error| match error {
            // Of the right length, and not what a signature looks like.
            Error::Malformed(_) => SecurityStatus::SEC_E_MESSAGE_ALTERED,
            error => error.into(),
        })
    }

    /// Who the client is: the account as the authority calls it, where it does; else DOMAIN\user as sent, which is all that the client's side knows.
    fn client_name(&self) -> UnicodeString {
        let identity = self.info.identity();
        identity.account.clone().unwrap_or_else(|| qualified_name(&identity.domain, &identity.user))
    }

    /// The domain that knows the client: the account's, where it says one, else as sent.
    fn authority(&self) -> UnicodeString {
        let identity = self.info.identity();
        let account = identity.account.as_ref().map(UnicodeString::units).unwrap_or_default();
        let separator = account.iter().position(|unit| *unit == u16::from(b'\\'));
        let domain = separator.and_then(|at| account.get(..at)).map(UnicodeString::from_units);
        domain.unwrap_or_else(|| identity.domain.clone())
    }

    /// The AV pairs of the challenge.
    fn target_information(&self) -> Option<Vec<u8>> {
        let Challenge { messages, start } = &self.challenge;
        let pairs = ChallengeMessage::parse(messages.get(*start..)?).ok()?.target_info?;
        Some(pairs.as_bytes().to_vec())
    }

    /// Bits of the keys in force.
    fn key_size(&self) -> u32 {
        let flags = self.info.flags();
        if flags.contains(NegotiateFlags::N128) {
            128
        } else if flags.contains(NegotiateFlags::N56) {
            56
        } else {
            40
        }
    }
}

impl EstablishedContext for NtlmContext {
    fn package(&self) -> &'static PackageInfo {
        &package_info::NTLM
    }

    fn meanings(&self) -> Meanings {
        let attributes = self.info.attributes();
        echoed(self.requests)
            .with_if(attributes.integrity, Meanings::INTEGRITY)
            .with_if(
                attributes.replay_detect && self.requests.contains(Meanings::REPLAY_DETECT),
                Meanings::REPLAY_DETECT,
            )
            .with_if(
                attributes.sequence_detect && self.requests.contains(Meanings::SEQUENCE_DETECT),
                Meanings::SEQUENCE_DETECT,
            )
            .with_if(attributes.confidentiality, Meanings::CONFIDENTIALITY)
            .with_if(attributes.identify, Meanings::IDENTIFY)
            .with_if(attributes.datagram, Meanings::DATAGRAM)
            .with_if(attributes.anonymous, Meanings::NULL_SESSION)
    }

    fn is_server(&self) -> bool {
        self.info.role() == Role::Server
    }

    fn is_authenticated(&self) -> bool {
        self.info.is_authenticated()
    }

    fn attribute(&self, id: AttributeId) -> Result<AttributeValue, SecurityStatus> {
        let to_local = |time| self.shared.environment.to_local(time);
        Ok(match id {
            AttributeId::NAMES => AttributeValue::Names(self.client_name()),
            AttributeId::LIFESPAN => {
                AttributeValue::Lifespan { start: to_local(self.info.established_at()), expiry: NEVER }
            }
            AttributeId::DCE_INFO => AttributeValue::DceInfo { authorization_service: 0, name: self.client_name() },
            AttributeId::KEY_INFO => AttributeValue::KeyInfo {
                signature_algorithm_name: "HMAC-MD5",
                encrypt_algorithm_name: "RSADSI RC4",
                key_size: self.key_size(),
                signature_algorithm: 0,
                encrypt_algorithm: 0x6801,
            },
            AttributeId::AUTHORITY => AttributeValue::Authority(self.authority()),
            AttributeId::PASSWORD_EXPIRY => AttributeValue::PasswordExpiry(NEVER),
            AttributeId::SESSION_KEY => {
                let key = self.info.exported_session_key()?;
                AttributeValue::SessionKey(SessionKey(Zeroizing::new(*key.expose())))
            }
            AttributeId::NATIVE_NAMES => AttributeValue::NativeNames {
                client: self.client_name(),
                server: self.info.target_name().cloned().unwrap_or_default(),
            },
            AttributeId::FLAGS => AttributeValue::Flags(match self.is_server() {
                true => self.meanings().to_asc_ret(),
                false => self.meanings().to_isc_ret(),
            }),
            AttributeId::TARGET_INFORMATION => AttributeValue::TargetInformation(
                self.target_information().ok_or(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION)?,
            ),
            AttributeId::CLIENT_SPECIFIED_TARGET if self.is_server() => {
                AttributeValue::ClientSpecifiedTarget(self.info.target_name().cloned().unwrap_or_default())
            }
            _ => return Err(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION),
        })
    }

    fn make_signature(&self, buffers: &mut [Buffer<'_>], sequence_number: u32) -> Result<(), SecurityStatus> {
        buffers::protect(buffers, false, |pieces| self.seal(pieces, sequence_number))
    }

    fn verify_signature(&self, buffers: &mut [Buffer<'_>], sequence_number: u32) -> Result<(), SecurityStatus> {
        buffers::unprotect(buffers, false, |pieces, signature| self.unseal(pieces, signature, sequence_number))
    }

    fn encrypt_message(
        &self,
        buffers: &mut [Buffer<'_>],
        sequence_number: u32,
        encrypt: bool,
    ) -> Result<(), SecurityStatus> {
        if !self.seals {
            return Err(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION);
        }
        buffers::protect(buffers, encrypt, |pieces| self.seal(pieces, sequence_number))?;
        buffers::leave_padding_empty(buffers);
        Ok(())
    }

    fn decrypt_message(&self, buffers: &mut [Buffer<'_>], sequence_number: u32) -> Result<(), SecurityStatus> {
        if !self.seals {
            return Err(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION);
        }
        buffers::unprotect(buffers, true, |pieces, signature| self.unseal(pieces, signature, sequence_number))
    }

    fn export(&self) -> Result<Zeroizing<Vec<u8>>, SecurityStatus> {
        let session = match &self.protection {
            Protection::Halves { sealer, unsealer } => {
                let (mut sealer, mut unsealer) = (lock(sealer), lock(&unsealer.value));
                let (sealer, unsealer) = (sealer.take().ok_or(GONE)?, unsealer.take().ok_or(GONE)?);
                Session::join(sealer, unsealer)?
            }
            Protection::Whole(session) => lock(session).take().ok_or(GONE)?,
        };
        let exported = self.info.export(session)?;
        Ok(Zeroizing::new(exported.expose().to_vec()))
    }
}
