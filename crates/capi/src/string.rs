//! Texts in and out: SEC_WCHAR is UTF-16, SEC_CHAR is UTF-8.

use std::borrow::Cow;

use ntlm::UnicodeString;
use ntlm_sspi::SecurityStatus;
use zeroize::Zeroizing;

use crate::alloc::Block;
use crate::frame::{Answer, Parameter};
use crate::types::{Plain, SEC_CHAR, SEC_WCHAR};

/// A character of the A or of the W functions.
pub trait Character: Plain + PartialEq + zeroize::DefaultIsZeroes {
    /// What ends a text.
    const NUL: Self;

    /// The text in UTF-16; `None` when it is none.
    fn decode(units: Zeroizing<Vec<Self>>) -> Option<Zeroizing<Vec<u16>>>;

    /// The text as a name, which is no secret; `None` when it is none.
    fn name(units: Vec<Self>) -> Option<UnicodeString> {
        Self::decode(Zeroizing::new(units)).map(|units| UnicodeString::from_units(&units))
    }

    /// The text, without its NUL. What UTF-8 cannot say, unpaired surrogates, becomes U+FFFD.
    fn encode(units: &[u16]) -> Cow<'_, [Self]>;
}

impl Character for SEC_WCHAR {
    const NUL: Self = 0;

    fn decode(units: Zeroizing<Vec<Self>>) -> Option<Zeroizing<Vec<u16>>> {
        Some(units)
    }

    fn name(units: Vec<Self>) -> Option<UnicodeString> {
        Some(units.into())
    }

    fn encode(units: &[u16]) -> Cow<'_, [Self]> {
        Cow::Borrowed(units)
    }
}

impl Character for SEC_CHAR {
    const NUL: Self = 0;

    fn decode(units: Zeroizing<Vec<Self>>) -> Option<Zeroizing<Vec<u16>>> {
        let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(units.iter().map(|&unit| unit.cast_unsigned_byte()).collect());
        let text = std::str::from_utf8(&bytes).ok()?;
        // Reserved in full, so that no half-filled buffer is left behind unwiped by growing.
        let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
        decoded.extend(text.encode_utf16());
        Some(decoded)
    }

    fn encode(units: &[u16]) -> Cow<'_, [Self]> {
        let text = String::from_utf16_lossy(units);
        Cow::Owned(text.bytes().map(SEC_CHAR::from_byte).collect())
    }
}

/// `char` of C has a sign on some machines and none on others.
trait Byte {
    fn cast_unsigned_byte(self) -> u8;
    fn from_byte(byte: u8) -> Self;
}

impl Byte for SEC_CHAR {
    fn cast_unsigned_byte(self) -> u8 {
        let [byte] = self.to_ne_bytes();
        byte
    }

    fn from_byte(byte: u8) -> Self {
        Self::from_ne_bytes([byte])
    }
}

/// A parameter that is a text with a NUL at its end.
pub struct Text<C>(*const C);

impl<C> Parameter for Text<C> {
    type Raw = *const C;
    unsafe fn vouched(raw: *const C) -> Self {
        Self(raw)
    }
}

/// Why a text was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextError {
    /// Longer than allowed.
    TooLong,
    /// Not UTF-8.
    NotText,
}

impl<C: Character> Text<C> {
    /// The text; `None` for NULL. Nothing behind `limit` characters is looked at.
    pub(crate) fn read(&self, limit: usize) -> Result<Option<UnicodeString>, TextError> {
        let Some(units) = self.characters(limit)? else { return Ok(None) };
        C::name(units).map(Some).ok_or(TextError::NotText)
    }

    /// The text in UTF-16, wiped when dropped; `None` for NULL.
    pub(crate) fn units(&self, limit: usize) -> Result<Option<Zeroizing<Vec<u16>>>, TextError> {
        let Some(units) = self.characters(limit)? else { return Ok(None) };
        C::decode(Zeroizing::new(units)).map(Some).ok_or(TextError::NotText)
    }

    /// The text as it is; `None` for NULL.
    fn characters(&self, limit: usize) -> Result<Option<Vec<C>>, TextError> {
        if self.0.is_null() {
            return Ok(None);
        }
        let at = |index: usize| -> C {
            let place = self.0.wrapping_add(index);
            // SAFETY: the text is vouched for up to its NUL, and nothing before `index` was one.
            unsafe { place.read_unaligned() }
        };
        let length = (0..=limit).find(|&index| at(index) == C::NUL).ok_or(TextError::TooLong)?;
        Ok(Some((0..length).map(at).collect()))
    }

    /// The name of a security package, as far as it can be one.
    pub(crate) fn package(&self) -> Answer<String> {
        const LONGEST: usize = 256;
        let name = self.read(LONGEST).ok().flatten();
        name.map(|name| name.to_string_lossy()).ok_or(SecurityStatus::SEC_E_SECPKG_NOT_FOUND)
    }
}

/// The text with its NUL, as the characters that C gets.
pub(crate) fn terminated<C: Character>(units: &[u16]) -> Zeroizing<Vec<C>> {
    let encoded = C::encode(units);
    let mut text = Zeroizing::new(Vec::with_capacity(encoded.len() + 1));
    text.extend_from_slice(&encoded);
    text.push(C::NUL);
    text
}

/// A block with the text and its NUL.
pub(crate) fn block<C: Character>(units: &[u16]) -> Answer<Block> {
    Block::of_units(&terminated::<C>(units))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &[u16], limit: usize) -> Result<Option<UnicodeString>, TextError> {
        // SAFETY: the tests' texts have a NUL at their end or before the limit.
        unsafe { Text::<SEC_WCHAR>::vouched(text.as_ptr()) }.read(limit)
    }

    fn narrow(text: &[u8]) -> Result<Option<UnicodeString>, TextError> {
        // SAFETY: as above.
        unsafe { Text::<SEC_CHAR>::vouched(text.as_ptr().cast()) }.read(10)
    }

    #[test]
    fn texts_are_read_up_to_their_nul() {
        assert_eq!(wide(&[0x48, 0xd800, 0, 0x49], 10), Ok(Some(UnicodeString::from_units(&[0x48, 0xd800]))));
        assert_eq!(narrow(b"Zo\xc3\xab\0"), Ok(Some("Zo\u{eb}".into())));
        assert_eq!(narrow(b"Zo\xeb\0"), Err(TextError::NotText));
        assert_eq!(narrow(b"0123456789\0"), Ok(Some("0123456789".into())));
        assert_eq!(narrow(b"0123456789a"), Err(TextError::TooLong));
        assert_eq!(wide(&[0], 0), Ok(Some(UnicodeString::default())));
    }

    #[test]
    fn what_utf_8_cannot_say_is_replaced() {
        let text: Zeroizing<Vec<SEC_CHAR>> = terminated(&[0xeb, 0xd800]);
        assert_eq!(*text, [0xc3, 0xab, 0xef, 0xbf, 0xbd, 0].map(SEC_CHAR::from_byte));
    }
}
