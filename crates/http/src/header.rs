//! The grammar of the headers (RFC 9110 section 11, RFC 4559 section 4, MS-NTHT 2.2), for both sides. No I/O.
//!
//! ```text
//! WWW-Authenticate, Proxy-Authenticate     #( scheme [ 1*SP ( token68 / #auth-param ) ] )     what a server or a proxy offers: `challenges`
//! Authorization, Proxy-Authorization       scheme 1*SP token68                                what a client answers: `credentials`
//! ```
//!
//! Two schemes are ours, in any case: `NTLM` and `Negotiate`. Others are skipped, with their parameters and whatever commas stand in their quoted
//! strings. Tokens are base64 of the standard alphabet, padded, in one piece: what else a peer sends is an error that says what is wrong and where, because a
//! token that two sides read differently is the beginning of an attack.
//!
//! ```
//! use ntlm_http::header::{self, Scheme};
//!
//! let offers = header::challenges([b"Basic realm=\"a, NTLM b\", NTLM".as_slice(), b"negotiate YII="]);
//! let schemes: Vec<_> = offers.iter().flatten().map(|offer| offer.scheme).collect();
//! assert_eq!(schemes, [Scheme::Ntlm, Scheme::Negotiate]);
//!
//! let value = header::write(Scheme::Ntlm, b"NTLMSSP\0...");
//! let credentials = header::credentials(value.as_bytes()).unwrap().unwrap();
//! assert_eq!((credentials.scheme, credentials.token.as_slice()), (Scheme::Ntlm, b"NTLMSSP\0...".as_slice()));
//! ```

use std::fmt;
use std::str::FromStr;

use base64::engine::general_purpose::STANDARD;
use base64::{DecodeError, Engine as _};
use http::HeaderValue;

/// Tokens longer than this are refused before they are decoded.
pub const MAX_TOKEN: usize = 64 * 1024;

/// The authentication schemes that carry NTLM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `NTLM`: messages of NTLM as they are.
    Ntlm,
    /// `Negotiate`: tokens of SPNEGO; many clients send messages of NTLM as they are, and servers answer them.
    Negotiate,
}

impl Scheme {
    /// Its name as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ntlm => "NTLM",
            Self::Negotiate => "Negotiate",
        }
    }

    /// The header value that offers the scheme: its name alone.
    #[must_use]
    pub fn offer(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// The scheme of that name, in any case.
    fn of(name: &[u8]) -> Option<Self> {
        [Self::Ntlm, Self::Negotiate].into_iter().find(|scheme| name.eq_ignore_ascii_case(scheme.name().as_bytes()))
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Self, UnknownScheme> {
        Self::of(name.as_bytes()).ok_or(UnknownScheme)
    }
}

/// A scheme that does not carry NTLM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownScheme;

impl fmt::Display for UnknownScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the scheme is neither NTLM nor Negotiate")
    }
}

impl std::error::Error for UnknownScheme {}

/// What a server offers or answers: a challenge, as RFC 9110 calls it.
#[derive(Clone, PartialEq, Eq)]
pub struct Offer {
    /// The scheme.
    pub scheme: Scheme,
    /// The token; `None` where the scheme is offered and no more, which after an AUTHENTICATE_MESSAGE is a refusal.
    pub token: Option<Vec<u8>>,
}

/// What a client sends.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The scheme.
    pub scheme: Scheme,
    /// The token.
    pub token: Vec<u8>,
}

impl fmt::Debug for Offer {
    /// The length of the token, which ends up in logs otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.token.as_ref().map(Vec::len);
        f.debug_struct("Offer").field("scheme", &self.scheme).field("token_length", &length).finish()
    }
}

impl fmt::Debug for Credentials {
    /// The length of the token: passwords are guessed from responses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.token.len();
        f.debug_struct("Credentials").field("scheme", &self.scheme).field("token_length", &length).finish()
    }
}

/// A header value of one of our schemes that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderError {
    /// The scheme.
    pub scheme: Scheme,
    /// Where in the header value, in bytes from its beginning.
    pub position: usize,
    /// What is wrong.
    pub kind: HeaderErrorKind,
}

/// What is wrong with a header value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderErrorKind {
    /// Credentials without a token.
    NoToken,
    /// Parameters (`name=value`) where a token is due.
    Parameters,
    /// A blank or a tab inside the token, or a tab before it.
    Whitespace,
    /// A byte that is not of the alphabet of base64.
    Character(u8),
    /// Padding is missing or too much of it there, or the token was cut off.
    Unpadded,
    /// The last letter holds bits that belong to no byte: the token was cut off or changed.
    LeftoverBits,
    /// The token has more bytes than [`MAX_TOKEN`].
    TooLong,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, position, kind } = self;
        match kind {
            HeaderErrorKind::NoToken => return write!(f, "{scheme} credentials without a token"),
            HeaderErrorKind::Parameters => write!(f, "parameters instead of a token after {scheme}")?,
            HeaderErrorKind::Whitespace => write!(f, "whitespace in the {scheme} token, which is base64 in one piece")?,
            HeaderErrorKind::Character(byte) => {
                write!(f, "'{}' in the {scheme} token, which is no letter of base64", byte.escape_ascii())?;
            }
            HeaderErrorKind::Unpadded => {
                write!(f, "the {scheme} token does not end in the padding that its length asks for")?;
            }
            HeaderErrorKind::LeftoverBits => write!(f, "the {scheme} token ends in bits that belong to no byte")?,
            HeaderErrorKind::TooLong => write!(f, "the {scheme} token is longer than {} KiB", MAX_TOKEN >> 10)?,
        }
        write!(f, " (at byte {position} of the header value)")
    }
}

impl std::error::Error for HeaderError {}

/// The challenges of our schemes in all values of WWW-Authenticate or Proxy-Authenticate, in their order, each read for itself. Other schemes are skipped, and
/// so is what is no challenge at all.
pub fn challenges<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Vec<Result<Offer, HeaderError>> {
    let elements = |text| Elements(Some(Part { text, position: 0 }));
    values.into_iter().flat_map(elements).filter_map(challenge).collect()
}

/// The credentials in a value of Authorization or Proxy-Authorization; `None` for other schemes.
///
/// # Errors
///
/// [`HeaderError`] when they are of one of our schemes and cannot be read.
pub fn credentials(value: &[u8]) -> Result<Option<Credentials>, HeaderError> {
    let Some((scheme, text)) = ours(Part { text: value, position: 0 }.trim()) else { return Ok(None) };
    let kind = HeaderErrorKind::NoToken;
    let Some(text) = text else { return Err(HeaderError { scheme, position: value.len(), kind }) };
    Ok(Some(Credentials { scheme, token: token(scheme, text)? }))
}

/// A header value with a token, of a challenge or of credentials. It is marked as sensitive: HPACK and logs leave it alone.
#[must_use]
pub fn write(scheme: Scheme, token: &[u8]) -> HeaderValue {
    let mut text = String::with_capacity(scheme.name().len() + 1 + token.len().div_ceil(3) * 4);
    text.push_str(scheme.name());
    text.push(' ');
    STANDARD.encode_string(token, &mut text);
    // Letters and digits are always a header value.
    let mut value = HeaderValue::try_from(text).unwrap_or_else(|_| scheme.offer());
    value.set_sensitive(true);
    value
}

/// A piece of a header value, and where it begins.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a [u8],
    position: usize,
}

impl<'a> Part<'a> {
    fn split_at(self, at: usize) -> (Self, Self) {
        let (front, back) = self.text.split_at_checked(at).unwrap_or((self.text, &[]));
        let position = self.position + front.len();
        (Self { text: front, ..self }, Self { text: back, position })
    }

    /// Cuts off at the first byte for which `is` holds.
    fn split(self, is: impl Fn(&u8) -> bool) -> (Self, Self) {
        self.split_at(self.text.iter().position(is).unwrap_or(self.text.len()))
    }

    /// Without blanks and tabs at both ends.
    fn trim(self) -> Self {
        let (_, rest) = self.split(|byte| !is_blank(byte));
        let end = rest.text.iter().rposition(|byte| !is_blank(byte)).map_or(0, |last| last + 1);
        rest.split_at(end).0
    }
}

/// The elements of a list: what stands between commas that are in no quoted string.
struct Elements<'a>(Option<Part<'a>>);

impl<'a> Iterator for Elements<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let rest = self.0.take()?;
        let (mut quoted, mut escaped) = (false, false);
        let comma = rest.text.iter().position(|&byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b',' => return !quoted,
                _ => {}
            }
            false
        });
        let (element, behind) = rest.split_at(comma.unwrap_or(rest.text.len()));
        self.0 = comma.map(|_| behind.split_at(1).1);
        Some(element.trim())
    }
}

/// The challenge that an element of a list is or begins; `None` when it is a parameter of the one before, of another scheme, or nothing.
fn challenge(element: Part<'_>) -> Option<Result<Offer, HeaderError>> {
    let (scheme, text) = ours(element)?;
    let Some(text) = text else { return Some(Ok(Offer { scheme, token: None })) };
    if text.trim().text.first() == Some(&b'=') {
        // A parameter that is called like a scheme.
        return None;
    }
    Some(token(scheme, text).map(|token| Offer { scheme, token: Some(token) }))
}

/// The scheme in front of `part` if it is one of ours, and what follows it if there is anything.
fn ours(part: Part<'_>) -> Option<(Scheme, Option<Part<'_>>)> {
    let (name, rest) = part.split(|byte| !is_token(byte));
    let scheme = Scheme::of(name.text)?;
    Some((scheme, Some(rest).filter(|rest| !rest.text.is_empty())))
}

/// The token behind the name of a scheme.
fn token(scheme: Scheme, part: Part<'_>) -> Result<Vec<u8>, HeaderError> {
    let error = |position, kind| HeaderError { scheme, position, kind };
    let (blanks, token) = part.split(|&byte| byte != b' ');
    let (letters, rest) = token.split(|byte| !is_base64(byte));
    let padding = rest.text.iter().take_while(|&&byte| byte == b'=').count();
    let (_, behind) = rest.split_at(padding);
    match behind.text.first() {
        // name=value
        Some(byte) if padding == 1 && !is_blank(byte) => {
            return Err(error(letters.position, HeaderErrorKind::Parameters));
        }
        Some(byte) if is_blank(byte) => return Err(error(behind.position, HeaderErrorKind::Whitespace)),
        Some(&byte) => return Err(error(behind.position, HeaderErrorKind::Character(byte))),
        None if blanks.text.is_empty() => return Err(error(part.position, HeaderErrorKind::Parameters)),
        None => {}
    }
    if (token.text.len() / 4 * 3).saturating_sub(padding) > MAX_TOKEN {
        return Err(error(token.position, HeaderErrorKind::TooLong));
    }
    STANDARD.decode(token.text).map_err(|reason| match reason {
        DecodeError::InvalidLastSymbol { offset, .. } => error(token.position + offset, HeaderErrorKind::LeftoverBits),
        // Only padding is left that could be a wrong byte.
        DecodeError::InvalidByte(..) | DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => {
            error(token.position + token.text.len(), HeaderErrorKind::Unpadded)
        }
    })
}

fn is_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// tchar of RFC 9110 section 5.6.2.
fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

#[cfg(test)]
mod tests;
