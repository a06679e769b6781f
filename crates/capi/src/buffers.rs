//! SecBufferDesc: input buffers as values, output buffers as places, and the buffers of a message as `ntlm_sspi::Buffer`s that never overlap.

use std::ffi::c_void;

use ntlm::ChannelBindings;
use ntlm_sspi::{Buffer, BufferType, Change, Memory, Output, SecurityStatus};

use crate::alloc::Block;
use crate::frame::{Answer, In, Parameter};
use crate::types::{SEC_CHANNEL_BINDINGS, SecBuffer, SecBufferDesc};

/// SECBUFFER_VERSION.
const SECBUFFER_VERSION: u32 = 0;

/// Descriptors with more buffers than this hold something else.
const MOST_BUFFERS: u32 = 1024;

/// Longer than any NTLM message: what is longer is malformed for certain, and not read.
const LONGEST_TOKEN: usize = ntlm::wire::MAX_MESSAGE_LENGTH + 1;

const MALFORMED: SecurityStatus = SecurityStatus::SEC_E_INVALID_TOKEN;

/// A parameter that is a descriptor of buffers.
pub struct Descriptor(*mut SecBufferDesc);

impl Parameter for Descriptor {
    type Raw = *mut SecBufferDesc;
    unsafe fn vouched(raw: *mut SecBufferDesc) -> Self {
        Self(raw)
    }
}

impl Descriptor {
    /// Reads the buffers into `buffers`, which has none yet; of NULL, none.
    // Into a place that the caller has: what was written in pieces a moment ago is slow to be copied.
    pub(crate) fn read(&self, buffers: &mut Buffers) -> Answer {
        // SAFETY: the descriptor is vouched for.
        let descriptor = unsafe { In::vouched(self.0.cast_const()) };
        let Some(SecBufferDesc { ulVersion, cBuffers, pBuffers }) = descriptor.read() else { return Ok(()) };
        if ulVersion != SECBUFFER_VERSION || cBuffers > MOST_BUFFERS || (cBuffers > 0 && pBuffers.is_null()) {
            return Err(MALFORMED);
        }
        let count = cBuffers as usize;
        // SAFETY: the descriptor is vouched for, and so is what it points to.
        let start = unsafe { Place::vouched(pBuffers.cast()) };
        if count > FEW {
            buffers.many.resize(count, NOTHING);
        }
        let (few, many) = (buffers.few.get_mut(..count), &mut buffers.many);
        for (index, found) in few.unwrap_or(many).iter_mut().enumerate() {
            *found = start.behind(index).read().ok_or(MALFORMED)?;
        }
        (buffers.start, buffers.count) = (start, count);
        Ok(())
    }

    /// Runs a message function over the buffers and writes back what it did to them.
    pub(crate) fn run<T>(&self, access: Access, f: impl FnOnce(&mut [Buffer<'_>]) -> Answer<T>) -> Answer<T> {
        if self.0.is_null() {
            return Err(MALFORMED);
        }
        let mut buffers = Buffers::new();
        self.read(&mut buffers)?;
        buffers.run(access, f)
    }
}

/// A parameter that is one buffer.
#[derive(Clone, Copy)]
pub struct Place(*mut SecBuffer);

impl Parameter for Place {
    type Raw = *mut SecBuffer;
    unsafe fn vouched(raw: *mut SecBuffer) -> Self {
        Self(raw)
    }
}

impl Place {
    /// The buffer; `None` for NULL.
    pub(crate) fn read(&self) -> Option<SecBuffer> {
        // SAFETY: the buffer is vouched for.
        unsafe { In::vouched(self.0.cast_const()) }.read()
    }

    /// The buffer so many behind this one in a descriptor, which says how many there are.
    fn behind(&self, count: usize) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// Writes cbBuffer and pvBuffer.
    pub(crate) fn write(&self, length: usize, memory: *mut c_void) {
        let Some(buffer) = self.read() else { return };
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        // SAFETY: the buffer is not NULL, so it is vouched for.
        unsafe { self.0.write_unaligned(SecBuffer { cbBuffer: length, pvBuffer: memory, ..buffer }) }
    }
}

/// So many buffers need no memory of their own: nearly every message.
const FEW: usize = 4;

const NOTHING: SecBuffer = SecBuffer { cbBuffer: 0, BufferType: 0, pvBuffer: std::ptr::null_mut() };

/// What the buffers of a descriptor said when the call began, and where they are.
pub(crate) struct Buffers {
    start: Place,
    few: [SecBuffer; FEW],
    /// All of them, when they are more.
    many: Vec<SecBuffer>,
    count: usize,
}

fn kind(buffer: &SecBuffer) -> BufferType {
    BufferType(buffer.BufferType).kind()
}

/// The bytes behind a buffer, or `most` of them.
fn bytes(buffer: &SecBuffer, most: usize) -> Answer<&[u8]> {
    let length = (buffer.cbBuffer as usize).min(most);
    if length == 0 {
        return Ok(&[]);
    }
    if buffer.pvBuffer.is_null() {
        return Err(MALFORMED);
    }
    // SAFETY: the caller vouches for cbBuffer bytes at pvBuffer, which is not NULL.
    Ok(unsafe { std::slice::from_raw_parts(buffer.pvBuffer.cast(), length) })
}

/// A copy of the bytes behind a buffer, when they are at most `longest`.
pub(crate) fn copy(buffer: &SecBuffer, longest: usize) -> Answer<Vec<u8>> {
    if buffer.cbBuffer as usize > longest { Err(MALFORMED) } else { bytes(buffer, longest).map(<[u8]>::to_vec) }
}

impl Buffers {
    /// None.
    pub(crate) const fn new() -> Self {
        Self { start: Place(std::ptr::null_mut()), few: [NOTHING; FEW], many: Vec::new(), count: 0 }
    }

    fn all(&self) -> &[SecBuffer] {
        self.few.get(..self.count).unwrap_or(&self.many)
    }

    fn first(&self, wanted: BufferType) -> Option<&SecBuffer> {
        self.all().iter().find(|buffer| kind(buffer) == wanted)
    }

    /// The TOKEN. The output may go to the same memory, where nothing is written before the token is done with.
    pub(crate) fn token(&self) -> Answer<Option<&[u8]>> {
        let Some(buffer) = self.first(BufferType::TOKEN) else { return Ok(None) };
        // A token that is cut off here is malformed all the same.
        bytes(buffer, LONGEST_TOKEN).map(Some)
    }

    /// The CHANNEL_BINDINGS. Malformed ones are refused: passing them over would take the caller's protection away.
    pub(crate) fn channel_bindings(&self) -> Answer<Option<ChannelBindings>> {
        let Some(buffer) = self.first(BufferType::CHANNEL_BINDINGS) else { return Ok(None) };
        parse_channel_bindings(bytes(buffer, usize::MAX)?).map(Some).ok_or(MALFORMED)
    }

    /// The PKG_PARAMS.
    pub(crate) fn package_parameters(&self) -> Option<&SecBuffer> {
        self.first(BufferType::PKG_PARAMS)
    }

    /// Where a token goes.
    pub(crate) fn output(&self) -> Output {
        match self.first(BufferType::TOKEN) {
            None => Output::Missing,
            Some(buffer) if buffer.pvBuffer.is_null() => Output::Null(buffer.cbBuffer as usize),
            Some(buffer) => Output::Buffer(buffer.cbBuffer as usize),
        }
    }

    /// Puts a token out: in memory of its own, or in the caller's, for which the caller of this has checked that it is long enough.
    pub(crate) fn put_token(&self, token: &[u8], allocate: bool) -> Answer {
        let is_token = |buffer: &SecBuffer| kind(buffer) == BufferType::TOKEN;
        let Some((index, buffer)) = self.all().iter().enumerate().find(|(_, buffer)| is_token(buffer)) else {
            return Ok(());
        };
        let memory = match allocate {
            true if token.is_empty() => std::ptr::null_mut(),
            true => Block::of_bytes(token)?.give(),
            false => {
                // SAFETY: the token is ours, and nobody else looks at the caller's buffer now.
                let room = unsafe { exclusive(buffer) }.unwrap_or_default();
                let room = room.get_mut(..token.len()).ok_or(SecurityStatus::SEC_E_BUFFER_TOO_SMALL)?;
                room.copy_from_slice(token);
                buffer.pvBuffer
            }
        };
        self.start.behind(index).write(token.len(), memory);
        Ok(())
    }

    /// As [`Descriptor::run`].
    fn run<T>(&self, access: Access, f: impl FnOnce(&mut [Buffer<'_>]) -> Answer<T>) -> Answer<T> {
        let stream = if access.stream == Use::Write { self.first(BufferType::STREAM) } else { None };
        // Of a message in a STREAM buffer, the DATA buffer is made to point into it; what that held is not looked at.
        let access = if stream.is_some() { Access::STREAM } else { access };
        self.refuse_overlaps(access)?;
        let mut few =
            [const { Buffer { buffer_type: BufferType::EMPTY, memory: Memory::Null, change: Change::None } }; FEW];
        let mut many = Vec::new();
        if self.count > FEW {
            many.resize_with(self.count, || Buffer::null(BufferType::EMPTY));
        }
        let message = few.get_mut(..self.count).unwrap_or(&mut many);
        for (made, buffer) in message.iter_mut().zip(self.all()) {
            made.buffer_type = BufferType(buffer.BufferType);
            made.memory = match access.of(buffer) {
                Use::Nothing => Memory::Null,
                Use::Read => Memory::Shared(bytes(buffer, usize::MAX)?),
                // SAFETY: no other buffer that is used here has any of this memory.
                Use::Write => match unsafe { exclusive(buffer) } {
                    Some(memory) => Memory::Exclusive(memory),
                    None if kind(buffer) == BufferType::DATA => return Err(MALFORMED),
                    None => Memory::Null,
                },
            };
        }
        let answer = f(message)?;
        for (index, (buffer, Buffer { change, .. })) in self.all().iter().zip(message).enumerate() {
            let place = self.start.behind(index);
            match *change {
                Change::None => {}
                Change::Length(length) => place.write(length, buffer.pvBuffer),
                Change::IntoStream { offset, length } => {
                    let stream = stream.ok_or(SecurityStatus::SEC_E_INTERNAL_ERROR)?;
                    place.write(length, stream.pvBuffer.cast::<u8>().wrapping_add(offset).cast());
                }
            }
        }
        Ok(answer)
    }

    /// Fails when memory that is to be written is the memory of another buffer, too.
    #[inline]
    fn refuse_overlaps(&self, access: Access) -> Answer {
        for (index, one) in self.all().iter().enumerate() {
            let of_one = access.of(one);
            let overlaps = |other: &SecBuffer| {
                let of_other = access.of(other);
                of_other != Use::Nothing && (of_one == Use::Write || of_other == Use::Write) && overlap(one, other)
            };
            if of_one != Use::Nothing && self.all().iter().skip(index + 1).any(overlaps) {
                return Err(MALFORMED);
            }
        }
        Ok(())
    }
}

/// What a function does with the memory of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Nothing,
    Read,
    Write,
}

/// What a message function does with the buffers of each type; those of other types it does not use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    token: Use,
    data: Use,
    stream: Use,
}

impl Access {
    /// MakeSignature, and EncryptMessage that does not encrypt.
    pub(crate) const SIGN: Self = Self { token: Use::Write, data: Use::Read, stream: Use::Nothing };
    /// VerifySignature.
    pub(crate) const VERIFY: Self = Self { token: Use::Read, data: Use::Read, stream: Use::Nothing };
    /// EncryptMessage.
    pub(crate) const ENCRYPT: Self = Self { token: Use::Write, data: Use::Write, stream: Use::Nothing };
    /// DecryptMessage.
    pub(crate) const DECRYPT: Self = Self { token: Use::Read, data: Use::Write, stream: Use::Write };

    /// DecryptMessage with a STREAM buffer.
    const STREAM: Self = Self { token: Use::Nothing, data: Use::Nothing, stream: Use::Write };

    fn of(self, buffer: &SecBuffer) -> Use {
        let by_type = match kind(buffer) {
            BufferType::TOKEN => self.token,
            BufferType::DATA => self.data,
            BufferType::STREAM => self.stream,
            _ => Use::Nothing,
        };
        let read_only = BufferType::READONLY.0 | BufferType::READONLY_WITH_CHECKSUM.0;
        match by_type {
            Use::Write if buffer.BufferType & read_only != 0 => Use::Read,
            by_type => by_type,
        }
    }
}

/// The bytes behind a buffer, to be written; `None` when pvBuffer is NULL and cbBuffer is not 0.
///
/// # Safety
///
/// As long as the slice lives, nothing else uses the memory.
unsafe fn exclusive<'a>(buffer: &SecBuffer) -> Option<&'a mut [u8]> {
    if buffer.cbBuffer == 0 {
        return Some(&mut []);
    }
    if buffer.pvBuffer.is_null() {
        return None;
    }
    // SAFETY: the caller of the C function vouches for cbBuffer bytes at pvBuffer, which is not NULL; our caller for their being used by nobody else.
    Some(unsafe { std::slice::from_raw_parts_mut(buffer.pvBuffer.cast(), buffer.cbBuffer as usize) })
}

fn overlap(one: &SecBuffer, other: &SecBuffer) -> bool {
    let range = |buffer: &SecBuffer| {
        let start = buffer.pvBuffer as usize;
        start..start.saturating_add(buffer.cbBuffer as usize)
    };
    let (one, other) = (range(one), range(other));
    one.start.max(other.start) < one.end.min(other.end)
}

/// SEC_CHANNEL_BINDINGS, whose offsets count from its start; `None` when one of its parts lies outside.
fn parse_channel_bindings(bytes: &[u8]) -> Option<ChannelBindings> {
    const LONGEST: usize = 1 << 20;
    const HEADER: usize = size_of::<SEC_CHANNEL_BINDINGS>();
    let header = bytes.first_chunk::<HEADER>().filter(|_| bytes.len() <= LONGEST)?;
    let mut words = header.as_chunks::<4>().0.iter().map(|word| u32::from_ne_bytes(*word));
    let mut next = || words.next().unwrap_or_default();
    let part = |length: u32, offset: u32| {
        let (start, length) = (offset as usize, length as usize);
        if length == 0 { Some(Vec::new()) } else { bytes.get(start..start.checked_add(length)?).map(<[u8]>::to_vec) }
    };
    let (initiator_address_type, initiator) = (next(), part(next(), next())?);
    let (acceptor_address_type, acceptor) = (next(), part(next(), next())?);
    Some(ChannelBindings {
        initiator_address_type,
        initiator_address: initiator,
        acceptor_address_type,
        acceptor_address: acceptor,
        application_data: part(next(), next())?,
    })
}

/// SEC_CHANNEL_BINDINGS of `bindings`: the header and the parts behind it.
pub(crate) fn channel_bindings_bytes(bindings: &ChannelBindings) -> Option<Vec<u8>> {
    let mut offset = u32::try_from(size_of::<SEC_CHANNEL_BINDINGS>()).ok()?;
    let (mut header, mut data) = (Vec::new(), Vec::new());
    for (address_type, part) in [
        (Some(bindings.initiator_address_type), &bindings.initiator_address),
        (Some(bindings.acceptor_address_type), &bindings.acceptor_address),
        (None, &bindings.application_data),
    ] {
        let length = u32::try_from(part.len()).ok()?;
        header.extend(address_type.into_iter().chain([length, offset]).flat_map(u32::to_ne_bytes));
        data.extend_from_slice(part);
        offset = offset.checked_add(length)?;
    }
    header.extend(data);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(kind: BufferType, start: usize, length: u32) -> SecBuffer {
        SecBuffer { cbBuffer: length, BufferType: kind.0, pvBuffer: start as *mut c_void }
    }

    #[test]
    fn memory_that_is_shared_is_found_out() {
        let overlaps = |a: (usize, u32), b: (usize, u32)| {
            overlap(&buffer(BufferType::DATA, a.0, a.1), &buffer(BufferType::DATA, b.0, b.1))
        };
        assert!(overlaps((100, 10), (109, 1)));
        assert!(overlaps((109, 1), (100, 10)));
        assert!(overlaps((100, 10), (100, 10)));
        assert!(!overlaps((100, 10), (110, 10)));
        assert!(!overlaps((100, 0), (100, 10)));
        assert!(!overlaps((100, 10), (105, 0)));
        assert!(overlaps((usize::MAX - 3, 10), (usize::MAX - 2, 1)));
    }

    #[test]
    fn read_only_buffers_are_never_written() {
        let sealed = Access::ENCRYPT;
        assert_eq!(sealed.of(&buffer(BufferType::DATA, 1, 1)), Use::Write);
        assert_eq!(sealed.of(&buffer(BufferType::DATA.with(BufferType::READONLY), 1, 1)), Use::Read);
        assert_eq!(sealed.of(&buffer(BufferType::DATA.with(BufferType::READONLY_WITH_CHECKSUM), 1, 1)), Use::Read);
        // 9 is 8 | 1: types are compared, not tested bit by bit.
        assert_eq!(sealed.of(&buffer(BufferType::PADDING, 1, 1)), Use::Nothing);
    }

    #[test]
    fn channel_bindings_survive_the_way_to_c_and_back() {
        let bindings = ChannelBindings {
            initiator_address_type: 2,
            initiator_address: vec![10, 0, 0, 1],
            acceptor_address_type: 3,
            acceptor_address: Vec::new(),
            application_data: b"tls-server-end-point:....".to_vec(),
        };
        let bytes = channel_bindings_bytes(&bindings).unwrap();
        assert_eq!(parse_channel_bindings(&bytes), Some(bindings));
        for length in 0..bytes.len() {
            assert_eq!(parse_channel_bindings(&bytes[..length]), None, "{length}");
        }
        let mut outside = bytes;
        outside[28..32].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(parse_channel_bindings(&outside), None);
    }
}
