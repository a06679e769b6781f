//! Security buffers: types, attribute bits, and which of them a message function takes for what.

use ntlm::Piece;

use crate::status::SecurityStatus;

/// BufferType: SECBUFFER_*, with attribute bits on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferType(pub u32);

impl BufferType {
    /// SECBUFFER_EMPTY.
    pub const EMPTY: Self = Self(0);
    /// SECBUFFER_DATA.
    pub const DATA: Self = Self(1);
    /// SECBUFFER_TOKEN.
    pub const TOKEN: Self = Self(2);
    /// SECBUFFER_PKG_PARAMS.
    pub const PKG_PARAMS: Self = Self(3);
    /// SECBUFFER_PADDING.
    pub const PADDING: Self = Self(9);
    /// SECBUFFER_STREAM.
    pub const STREAM: Self = Self(10);
    /// SECBUFFER_CHANNEL_BINDINGS.
    pub const CHANNEL_BINDINGS: Self = Self(14);
    /// SECBUFFER_CHANGE_PASS_RESPONSE.
    pub const CHANGE_PASS_RESPONSE: Self = Self(15);
    /// SECBUFFER_READONLY: neither changed nor covered by the checksum.
    pub const READONLY: Self = Self(0x8000_0000);
    /// SECBUFFER_READONLY_WITH_CHECKSUM: not changed, covered by the checksum.
    pub const READONLY_WITH_CHECKSUM: Self = Self(0x1000_0000);
    /// SECBUFFER_ATTRMASK.
    pub const ATTRIBUTES: Self = Self(0xf000_0000);

    /// The type without its attribute bits: to be compared for equality, never bit by bit.
    #[must_use]
    pub const fn kind(self) -> Self {
        Self(self.0 & !Self::ATTRIBUTES.0)
    }

    /// The type with attribute bits.
    #[must_use]
    pub const fn with(self, attributes: Self) -> Self {
        Self(self.0 | attributes.0)
    }

    fn has(self, attribute: Self) -> bool {
        self.0 & attribute.0 != 0
    }
}

/// A security buffer of a message function.
#[derive(Debug)]
pub struct Buffer<'a> {
    /// BufferType.
    pub buffer_type: BufferType,
    /// The memory behind it: as long as cbBuffer says.
    pub memory: Memory<'a>,
    /// What the function did to cbBuffer and pvBuffer.
    pub change: Change,
}

/// The memory behind a buffer.
#[derive(Debug)]
pub enum Memory<'a> {
    /// pvBuffer is NULL.
    Null,
    /// Memory that is only read.
    Shared(&'a [u8]),
    /// Memory that may be written.
    Exclusive(&'a mut [u8]),
}

/// What a function does to cbBuffer and pvBuffer of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Change {
    /// Nothing.
    #[default]
    None,
    /// cbBuffer is this now.
    Length(usize),
    /// pvBuffer points this far into the STREAM buffer, and cbBuffer is the length.
    IntoStream {
        /// Bytes from the start of the STREAM buffer.
        offset: usize,
        /// cbBuffer.
        length: usize,
    },
}

impl<'a> Buffer<'a> {
    /// A buffer over memory that may be written.
    pub fn new(buffer_type: BufferType, memory: &'a mut [u8]) -> Self {
        Self { buffer_type, memory: Memory::Exclusive(memory), change: Change::None }
    }

    /// A buffer over memory that is only read.
    pub fn shared(buffer_type: BufferType, memory: &'a [u8]) -> Self {
        Self { buffer_type, memory: Memory::Shared(memory), change: Change::None }
    }

    /// A buffer without memory.
    pub fn null(buffer_type: BufferType) -> Self {
        Self { buffer_type, memory: Memory::Null, change: Change::None }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.memory {
            Memory::Null => &[],
            Memory::Shared(bytes) => bytes,
            Memory::Exclusive(bytes) => bytes,
        }
    }

    fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        match &mut self.memory {
            Memory::Exclusive(bytes) => Some(bytes),
            Memory::Null | Memory::Shared(_) => None,
        }
    }

    fn is(&self, kind: BufferType) -> bool {
        self.buffer_type.kind() == kind
    }
}

const SIGNATURE: usize = 16;

/// Where the signature of a message is.
fn token(buffers: &[Buffer<'_>]) -> Result<usize, SecurityStatus> {
    let token = buffers.iter().position(|buffer| buffer.is(BufferType::TOKEN));
    let has_data = buffers.iter().any(|buffer| buffer.is(BufferType::DATA));
    token.filter(|_| has_data).ok_or(SecurityStatus::SEC_E_INVALID_TOKEN)
}

/// Checks that the TOKEN buffer takes a signature, and gives its index.
fn token_for_signature(buffers: &mut [Buffer<'_>]) -> Result<usize, SecurityStatus> {
    let index = token(buffers)?;
    match buffers.get_mut(index).and_then(Buffer::bytes_mut) {
        Some(bytes) if bytes.len() >= SIGNATURE => Ok(index),
        _ => Err(SecurityStatus::SEC_E_BUFFER_TOO_SMALL),
    }
}

/// Puts the signature into the TOKEN buffer.
fn put_signature(buffers: &mut [Buffer<'_>], index: usize, signature: [u8; SIGNATURE]) {
    if let Some(token) = buffers.get_mut(index) {
        if let Some(bytes) = token.bytes_mut() {
            bytes.iter_mut().zip(signature).for_each(|(to, from)| *to = from);
        }
        token.change = Change::Length(SIGNATURE);
    }
}

/// Messages of so many buffers need no memory of their own: nearly all.
const FEW: usize = 4;

/// Runs `f` over the pieces of a message: its DATA buffers in their order. Those with READONLY are left out, those with
/// READONLY_WITH_CHECKSUM are signed only, and so is everything unless `sealed`.
fn with_pieces<T>(
    buffers: &mut [Buffer<'_>],
    sealed: bool,
    f: impl FnOnce(&mut [Piece<'_>]) -> Result<T, SecurityStatus>,
) -> Result<T, SecurityStatus> {
    // A piece of no bytes is as good as none.
    let mut few = [const { Piece::SignedOnly(&[]) }; FEW];
    let mut many = Vec::new();
    if buffers.len() > FEW {
        many.resize_with(buffers.len(), || Piece::SignedOnly(&[]));
    }
    let pieces = few.get_mut(..buffers.len()).unwrap_or(&mut many);
    for (piece, buffer) in pieces.iter_mut().zip(buffers) {
        let buffer_type = buffer.buffer_type;
        if buffer_type.kind() != BufferType::DATA || buffer_type.has(BufferType::READONLY) {
            continue;
        }
        let seal = sealed && !buffer_type.has(BufferType::READONLY_WITH_CHECKSUM);
        match &mut buffer.memory {
            Memory::Null => {}
            Memory::Exclusive(bytes) => *piece = if seal { Piece::Sealed(bytes) } else { Piece::SignedOnly(bytes) },
            Memory::Shared(bytes) if !seal || bytes.is_empty() => *piece = Piece::SignedOnly(bytes),
            // Memory that must not be written cannot be encrypted in place.
            Memory::Shared(_) => return Err(SecurityStatus::SEC_E_INVALID_TOKEN),
        }
    }
    f(pieces)
}

/// Signs or seals the message in `buffers` by `f`, and puts the signature into the TOKEN buffer.
pub(crate) fn protect(
    buffers: &mut [Buffer<'_>],
    sealed: bool,
    f: impl FnOnce(&mut [Piece<'_>]) -> Result<[u8; SIGNATURE], SecurityStatus>,
) -> Result<(), SecurityStatus> {
    let index = token_for_signature(buffers)?;
    let signature = with_pieces(buffers, sealed, f)?;
    put_signature(buffers, index, signature);
    Ok(())
}

/// Says that no padding was needed.
pub(crate) fn leave_padding_empty(buffers: &mut [Buffer<'_>]) {
    for buffer in buffers.iter_mut().filter(|buffer| buffer.is(BufferType::PADDING)) {
        buffer.change = Change::Length(0);
    }
}

/// Verifies or unseals the message in `buffers` by `f`.
pub(crate) fn unprotect(
    buffers: &mut [Buffer<'_>],
    sealed: bool,
    f: impl FnOnce(&mut [Piece<'_>], &[u8]) -> Result<(), SecurityStatus>,
) -> Result<(), SecurityStatus> {
    let stream = buffers.iter().position(|buffer| buffer.is(BufferType::STREAM));
    if let Some(index) = stream.filter(|_| sealed) {
        return unprotect_stream(buffers, index, f);
    }
    let index = token(buffers)?;
    let signature: [u8; SIGNATURE] = match buffers.get(index).map(Buffer::bytes) {
        Some(bytes) => bytes.try_into().map_err(|_| SecurityStatus::SEC_E_INVALID_TOKEN)?,
        None => return Err(SecurityStatus::SEC_E_INVALID_TOKEN),
    };
    with_pieces(buffers, sealed, |pieces| f(pieces, &signature))
}

/// Unseals a message whose signature and ciphertext are in one STREAM buffer, and makes the DATA buffer point to the plaintext in it.
fn unprotect_stream(
    buffers: &mut [Buffer<'_>],
    index: usize,
    f: impl FnOnce(&mut [Piece<'_>], &[u8]) -> Result<(), SecurityStatus>,
) -> Result<(), SecurityStatus> {
    let data = buffers.iter().position(|buffer| buffer.is(BufferType::DATA));
    let data = data.ok_or(SecurityStatus::SEC_E_INVALID_TOKEN)?;
    let stream = buffers.get_mut(index).and_then(Buffer::bytes_mut).ok_or(SecurityStatus::SEC_E_INVALID_TOKEN)?;
    let (signature, ciphertext) =
        stream.split_at_mut_checked(SIGNATURE).ok_or(SecurityStatus::SEC_E_INCOMPLETE_MESSAGE)?;
    let length = ciphertext.len();
    f(&mut [Piece::Sealed(ciphertext)], signature)?;
    if let Some(data) = buffers.get_mut(data) {
        data.change = Change::IntoStream { offset: SIGNATURE, length };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of a sealed message of so many buffers, a READONLY and a signed one among them: their bytes, in capitals when they are sealed.
    fn pieces_of(count: usize) -> String {
        let mut token = [0; SIGNATURE];
        let mut data: Vec<u8> = (b'a'..).take(count - 1).collect();
        let mut buffers = vec![Buffer::new(BufferType::TOKEN, &mut token)];
        for (index, byte) in data.chunks_mut(1).enumerate() {
            let attributes = match index {
                1 => BufferType::READONLY,
                2 => BufferType::READONLY_WITH_CHECKSUM,
                _ => BufferType(0),
            };
            buffers.push(Buffer::new(BufferType::DATA.with(attributes), byte));
        }
        let mut found = String::new();
        let signed = protect(&mut buffers, true, |pieces| {
            for piece in pieces {
                match piece {
                    Piece::Sealed(bytes) => found += &String::from_utf8_lossy(bytes).to_uppercase(),
                    Piece::SignedOnly(bytes) => found += &String::from_utf8_lossy(bytes),
                }
            }
            Ok([7; SIGNATURE])
        });
        assert_eq!(signed, Ok(()));
        assert_eq!(token, [7; SIGNATURE]);
        found
    }

    #[test]
    fn pieces_keep_their_order_and_kinds_however_many_there_are() {
        assert_eq!(pieces_of(2), "A");
        assert_eq!(pieces_of(FEW), "Ac");
        assert_eq!(pieces_of(FEW + 1), "AcD");
        assert_eq!(pieces_of(9), "AcDEFGH");
    }
}
