//! Export and import of an established context, for a process that hands it to another (SSPI: ExportSecurityContext).
//!
//! The form, version 1; integers little-endian, `text` is a `u32` number of UTF-16 units and the units, `[x]` is there when its bit says so:
//!
//! ```text
//! offset size
//!  0     8    "NTLMCTX" and the version, 1
//!  8     1    role: 0 client, 1 server
//!  9     1    kind of identity: 0 user, 1 guest, 2 anonymous
//! 10     1    response: 0 anonymous, 1 LM, 2 NTLMv1, 3 NTLMv1 with extended session security, 4 NTLMv2
//! 11     1    bits: 1 MIC, 2 target name, 4 channel bindings, 8 peer version, 16 account
//! 12     4    NegotiateFlags in force
//! 16     8    time of establishment, FILETIME
//! 24     4    observations: 1 no MIC, 2 no bindings, 4 no target name, 8 OEM, 16 OEM not ASCII, 32 weak response, 64 no TargetInfo, 128 empty domain
//! 28     4    NegotiateFlags that the client dropped
//! 32    16    ExportedSessionKey
//! 48          user text, domain text, workstation text, [target name text], [account text], [bindings 16], [version 8]
//!             session: 0 none, 1 two halves, 2 shared, 3 connectionless
//!             NTLMRevisionCurrent of the session, 1 byte, unless none
//!             halves, ours first: sequence number u32, 0 or 1, and if 1 the RC4 state of 258 bytes
//!             connectionless: 0 or 1 and if 1 the last sequence number sent, u32
//! ```
//!
//! The bytes hold the session key: [`ExportedContext`] wipes them and does not print them. They are not authenticated; whoever can change them can
//! as well use the key. A context that was exported is consumed, because two users of one key stream give the plaintext away.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::context::{Identity, IdentityKind, Observations, Role};
use crate::crypto::Rc4;
use crate::env::FileTime;
use crate::error::{Error, OutOfSequence};
use crate::established::{ContextInfo, Established};
use crate::secret::{Direction, ExportedSessionKey};
use crate::session::{Datagram, Half, Halves, Running, Sealer, Session, Unsealer};
use crate::wire::{Malformed, NegotiateFlags, Part, Reason, ResponseClass, UnicodeString, Version};

const MAGIC: [u8; 8] = *b"NTLMCTX\x01";

/// An exported context. Secret: it holds the session key. Consumed by its import; [`from_bytes`](Self::from_bytes) makes as many as it is called, and
/// its caller answers for that.
pub struct ExportedContext(Zeroizing<Vec<u8>>);

impl ExportedContext {
    /// Takes bytes that [`expose`](Self::expose) gave. They are checked when they are imported.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// The bytes, to hand to another process. They hold the session key.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ExportedContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExportedContext(..)")
    }
}

const KINDS: [IdentityKind; 3] = [IdentityKind::User, IdentityKind::Guest, IdentityKind::Anonymous];

const CLASSES: [ResponseClass; 5] = [
    ResponseClass::Anonymous,
    ResponseClass::LmOnly,
    ResponseClass::NtlmV1,
    ResponseClass::NtlmV1Ess,
    ResponseClass::NtlmV2,
];

fn index_of<T: PartialEq>(table: &[T], value: &T) -> u8 {
    table.iter().position(|entry| entry == value).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

/// The bits of `observations`, in the order of the format.
fn observation_bits(observations: &mut Observations) -> [&mut bool; 8] {
    let Observations {
        mic_missing,
        bindings_missing,
        target_name_missing,
        oem,
        oem_not_ascii,
        capabilities_dropped: _,
        weak_response,
        target_info_missing,
        nil_domain,
    } = observations;
    [
        mic_missing,
        bindings_missing,
        target_name_missing,
        oem,
        oem_not_ascii,
        weak_response,
        target_info_missing,
        nil_domain,
    ]
}

impl ContextInfo {
    /// Turns a context into bytes, of which these are the facts and `session` the session. For callers that keep the two apart.
    ///
    /// # Errors
    ///
    /// [`OutOfSequence::ForeignSession`] when the session is another context's.
    // Taken by value so that nobody goes on with its key stream.
    #[allow(clippy::needless_pass_by_value)]
    pub fn export(&self, session: Session) -> Result<ExportedContext, Error> {
        let info = self;
        if session.flags != info.flags || session.key().is_some_and(|key| !key.is(&info.key)) {
            return Err(OutOfSequence::ForeignSession.into());
        }
        // Room for everything, so that no half-written copy is left behind by growing.
        let names = [Some(&info.identity.user), Some(&info.identity.domain), Some(&info.identity.workstation)]
            .into_iter()
            .chain([info.target_name.as_ref(), info.identity.account.as_ref()]);
        let texts: usize = names.clone().flatten().map(|name| 4 + name.len() * 2).sum();
        let mut out = Zeroizing::new(Vec::with_capacity(128 + texts + 2 * (5 + Rc4::STATE_LENGTH)));
        out.extend(MAGIC);
        let bits = [
            info.mic,
            info.target_name.is_some(),
            info.channel_bindings.is_some(),
            info.peer_version.is_some(),
            info.identity.account.is_some(),
        ];
        out.push(u8::from(info.role == Role::Server));
        out.push(index_of(&KINDS, &info.identity.kind));
        out.push(index_of(&CLASSES, &info.response_class));
        out.push(bits.iter().rev().fold(0, |sum, &bit| sum << 1 | u8::from(bit)));
        out.extend(info.flags.0.to_le_bytes());
        out.extend(info.established_at.to_bytes());
        let mut observations = info.observations;
        let observed = observation_bits(&mut observations);
        out.extend(observed.iter().rev().fold(0_u32, |sum, bit| sum << 1 | u32::from(**bit)).to_le_bytes());
        out.extend(info.observations.capabilities_dropped.0.to_le_bytes());
        out.extend(info.key.expose());
        for name in names.flatten() {
            out.extend(u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend(name.units().iter().flat_map(|unit| unit.to_le_bytes()));
        }
        out.extend(info.channel_bindings.into_iter().flatten());
        out.extend(info.peer_version.into_iter().flat_map(Version::to_bytes));
        match &session.halves {
            Halves::None => out.push(0),
            Halves::Two(Sealer(ours), Unsealer(theirs)) => {
                out.extend([1, ours.ntlm_revision]);
                write_half(ours, &mut out);
                write_half(theirs, &mut out);
            }
            Halves::Shared(half) => {
                out.extend([2, half.ntlm_revision]);
                write_half(half, &mut out);
            }
            Halves::Datagram(Datagram { ours, theirs: _, last_sent }) => {
                out.extend([3, ours.ntlm_revision]);
                out.push(u8::from(last_sent.is_some()));
                out.extend(last_sent.map(u32::to_le_bytes).into_iter().flatten());
            }
        }
        Ok(ExportedContext(out))
    }
}

impl Established {
    /// Turns the context into bytes.
    ///
    /// # Errors
    ///
    /// [`OutOfSequence::ForeignSession`] when somebody put the session of another context in.
    pub fn export(self) -> Result<ExportedContext, Error> {
        self.info.export(self.session)
    }

    /// Makes the context again, once: two contexts of one export would use one key stream twice.
    ///
    /// Nothing is proven by the bytes. Whoever can write them can be anybody, so import only what this program, or one that it trusts as
    /// much as itself, has exported.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for bytes that no version of [`export`](Self::export) known here has made.
    // Taken by value: see above.
    #[allow(clippy::needless_pass_by_value)]
    pub fn import(context: ExportedContext) -> Result<Self, Malformed> {
        let mut reader = Cursor { bytes: &context.0, at: 0 };
        if reader.array("Magic")? != MAGIC {
            return Err(reader.malformed("Magic", 0, Reason::BadValue { found: 0 }));
        }
        let role = *reader.choice("Role", &[Role::Client, Role::Server])?;
        let kind = *reader.choice("IdentityKind", &KINDS)?;
        let class = *reader.choice("ResponseClass", &CLASSES)?;
        let [bits] = reader.array("Bits")?;
        if bits >= 1 << 5 {
            return Err(reader.malformed("Bits", 11, Reason::BadValue { found: bits.into() }));
        }
        let bit = |n: u8| bits & (1 << n) != 0;
        let flags = NegotiateFlags(reader.u32("NegotiateFlags")?);
        let established_at = FileTime::from_bytes(reader.array("EstablishedAt")?);
        let observed = reader.u32("Observations")?;
        let mut observations = Observations {
            capabilities_dropped: NegotiateFlags(reader.u32("DroppedFlags")?),
            ..Observations::default()
        };
        for (n, bit) in observation_bits(&mut observations).into_iter().enumerate() {
            *bit = observed & (1 << n) != 0;
        }
        let key = ExportedSessionKey::from_array(reader.array("ExportedSessionKey")?);
        let user = reader.text("UserName")?;
        let domain = reader.text("DomainName")?;
        let workstation = reader.text("Workstation")?;
        let target_name = bit(1).then(|| reader.text("TargetName")).transpose()?;
        let account = bit(4).then(|| reader.text("Account")).transpose()?;
        let channel_bindings = bit(2).then(|| reader.array("ChannelBindings")).transpose()?;
        let peer_version = bit(3).then(|| reader.array("Version").map(Version::from_bytes)).transpose()?;

        let session_kind = *reader.choice("Session", &[0, 1, 2, 3])?;
        let session = read_session(&mut reader, session_kind, role, flags, kind, &key)?;
        if reader.at != reader.bytes.len() {
            return Err(reader.malformed("Session", reader.at, Reason::TooLong { limit: reader.at }));
        }
        let info = ContextInfo {
            role,
            flags,
            identity: Identity { kind, user, domain, workstation, account },
            response_class: class,
            target_name,
            channel_bindings,
            mic: bit(0),
            peer_version,
            established_at,
            observations,
            key,
        };
        Ok(Self { info, session })
    }
}

fn write_half(half: &Half, out: &mut Vec<u8>) {
    out.extend(half.sequence_number.to_le_bytes());
    out.push(u8::from(half.running.is_some()));
    if let Some(running) = &half.running {
        out.extend(Zeroizing::new(running.stream.export()).iter());
    }
}

fn read_session(
    reader: &mut Cursor<'_>,
    session_kind: u8,
    role: Role,
    flags: NegotiateFlags,
    kind: IdentityKind,
    key: &ExportedSessionKey,
) -> Result<Session, Malformed> {
    let start = reader.at;
    let [revision] = if session_kind == 0 { [0] } else { reader.array("NTLMRevisionCurrent")? };
    let (ours, theirs) = match role {
        Role::Client => (Direction::ClientToServer, Direction::ServerToClient),
        Role::Server => (Direction::ServerToClient, Direction::ClientToServer),
    };
    // What the flags and the identity call for is made afresh, and then set to where it was: a session that they do not call for cannot come in.
    let mut session = Session::new(role, flags, revision, kind, key);
    match (session_kind, &mut session.halves) {
        (0, Halves::None) => {}
        (1, Halves::Two(sealer, unsealer)) => {
            sealer.0 = reader.half(key, ours, flags, revision)?;
            unsealer.0 = reader.half(key, theirs, flags, revision)?;
        }
        (2, Halves::Shared(half)) => *half = reader.half(key, Direction::ClientToServer, flags, revision)?,
        (3, Halves::Datagram(datagram)) => {
            let sent = *reader.choice("LastSent", &[false, true])?;
            datagram.last_sent = sent.then(|| reader.u32("LastSent")).transpose()?;
        }
        _ => return Err(reader.malformed("Session", start, Reason::BadValue { found: session_kind.into() })),
    }
    Ok(session)
}

/// Reads an exported context from front to back.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn malformed(&self, field: &'static str, offset: usize, reason: Reason) -> Malformed {
        Malformed { part: Part::ExportedContext, field, offset, reason }
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let found = rest.first_chunk::<N>().copied().ok_or_else(|| {
            self.malformed(field, self.at, Reason::TooShort { needed: self.at + N, available: self.bytes.len() })
        })?;
        self.at += N;
        Ok(found)
    }

    fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        self.array(field).map(u32::from_le_bytes)
    }

    fn choice<'t, T>(&mut self, field: &'static str, table: &'t [T]) -> Result<&'t T, Malformed> {
        let offset = self.at;
        let [found] = self.array(field)?;
        table
            .get(usize::from(found))
            .ok_or_else(|| self.malformed(field, offset, Reason::BadValue { found: found.into() }))
    }

    fn text(&mut self, field: &'static str) -> Result<UnicodeString, Malformed> {
        let units = self.u32(field)? as usize;
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let bytes = units.checked_mul(2).and_then(|length| rest.get(..length)).ok_or_else(|| {
            let end = self.at as u64 + units as u64 * 2;
            self.malformed(field, self.at, Reason::OutOfBounds { end, available: self.bytes.len() })
        })?;
        self.at += bytes.len();
        Ok(UnicodeString::decode(bytes, crate::wire::Charset::Unicode))
    }

    fn half(
        &mut self,
        key: &ExportedSessionKey,
        direction: Direction,
        flags: NegotiateFlags,
        ntlm_revision: u8,
    ) -> Result<Half, Malformed> {
        let sequence_number = self.u32("SeqNum")?;
        let running = *self.choice("RC4", &[false, true])?;
        let mut half = Half { key: key.duplicate(), direction, flags, ntlm_revision, sequence_number, running: None };
        if running {
            let offset = self.at;
            let state = Zeroizing::new(self.array::<{ Rc4::STATE_LENGTH }>("RC4")?);
            let rc4 =
                Rc4::import(&state).ok_or_else(|| self.malformed("RC4", offset, Reason::BadValue { found: 0 }))?;
            half.running = Some(Box::new(Running::resume(&half, rc4)));
        }
        Ok(half)
    }
}
