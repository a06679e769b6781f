//! What NTLM messages come wrapped in: SPNEGO (RFC 4178), GSS-API's framing (RFC 2743 3.1). Only as far as finding the message inside.
//!
//! ```text
//! 60 L 06 06 <SPNEGO> a0 L 30 L  [0] mechTypes  [1] reqFlags  [2] mechToken  [3] mechListMIC       NegTokenInit
//!                     a1 L 30 L  [0] negState  [1] supportedMech  [2] responseToken  [3] mechListMIC    NegTokenResp
//! 60 L 06 0a <NTLM>   NTLMSSP..
//! ```
//!
//! The walk has a fixed depth, takes definite lengths alone, and never leaves the element it is in.

use std::fmt::Write as _;

use ntlm::wire::SIGNATURE;

use super::Problem;

/// What a token is, once unwrapped.
pub(super) enum Content<'a> {
    /// An NTLM message, or what should be one.
    Ntlm { message: &'a [u8], wrapping: Option<Wrapping> },
    /// Something else, and what it is: a sentence without a full stop.
    Other(String),
}

/// What was around an NTLM message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wrapping {
    /// `NegTokenInit`, `NegTokenResp`, or `GSS-API`.
    pub(super) kind: &'static str,
    /// mechTypes or supportedMech, by name.
    pub(super) mechanisms: Vec<String>,
    /// negState, by name.
    pub(super) state: Option<String>,
    /// Whether there is a mechListMIC.
    pub(super) mech_list_mic: bool,
    /// Where the NTLM message begins in the token.
    pub(super) offset: usize,
}

const SPNEGO: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];
const NTLM: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a];

/// Object identifiers of mechanisms: DER value, name, whether it is a Kerberos.
const MECHANISMS: [(&[u8], &str, bool); 6] = [
    (NTLM, "NTLM", false),
    (&[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x1e], "NEGOEX", false),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02], "Kerberos", true),
    (&[0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02], "MS-KRB5 (Kerberos)", true),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x03], "Kerberos user-to-user", true),
    (&[0x2b, 0x06, 0x01, 0x05, 0x02, 0x05], "IAKERB (Kerberos)", true),
];

/// Whether `token` begins like something that [`open`] can walk, be it whole or not.
pub(super) fn looks_wrapped(token: &[u8]) -> bool {
    let first_inside = Der::new(token).outermost().ok().and_then(|inside| inside.rest().first().copied());
    matches!((token.first(), first_inside), (Some(0x60), Some(0x06)) | (Some(0xa0 | 0xa1), Some(0x30)))
}

/// Finds the NTLM message in a token, or says what the token is instead.
pub(super) fn open(token: &[u8]) -> Result<Content<'_>, Problem> {
    match token.first() {
        Some(0x60) => open_gss(token),
        Some(0xa0) => neg_token_init(Der::new(token)),
        Some(0xa1) => neg_token_resp(Der::new(token)),
        Some(0x6e | 0x6f | 0x7e) if Der::new(token).element("message").is_ok() => {
            Ok(Content::Other("a bare Kerberos message, not NTLM".to_owned()))
        }
        _ if token.starts_with(b"NEGOEXTS") => Ok(Content::Other("a NEGOEX token, not NTLM".to_owned())),
        _ => Ok(Content::Ntlm { message: token, wrapping: None }),
    }
}

fn open_gss(token: &[u8]) -> Result<Content<'_>, Problem> {
    let mut inside = Der::new(token).outermost()?;
    let mechanism = inside.enter(0x06, "thisMech")?.rest();
    if mechanism == SPNEGO {
        return match inside.rest().first() {
            Some(0xa1) => neg_token_resp(inside),
            _ => neg_token_init(inside),
        };
    }
    let rest = inside.rest();
    if mechanism == NTLM || rest.starts_with(&SIGNATURE) {
        let wrapping = Wrapping { kind: "GSS-API", offset: inside.at, ..Wrapping::default() };
        return Ok(Content::Ntlm { message: rest, wrapping: Some(wrapping) });
    }
    Ok(Content::Other(foreign(mechanism)))
}

/// What a token of a mechanism other than NTLM is.
fn foreign(mechanism: &[u8]) -> String {
    match MECHANISMS.iter().find(|(oid, ..)| *oid == mechanism) {
        Some((_, name, true)) => {
            format!("a {name} token, not NTLM: the client has a ticket for this service, and NTLM was not used")
        }
        Some((_, name, false)) => format!("a token of the mechanism {name}, not NTLM"),
        None => format!("a token of the mechanism {}, not NTLM", dotted(mechanism)),
    }
}

fn neg_token_init(mut der: Der<'_>) -> Result<Content<'_>, Problem> {
    let mut wrapping = Wrapping { kind: "NegTokenInit", ..Wrapping::default() };
    let mut first = None;
    let mut token = None;
    let mut fields = der.enter(0xa0, "NegTokenInit")?.enter(0x30, "NegTokenInit")?;
    while let Some((tag, mut field)) = fields.next("NegTokenInit")? {
        match tag {
            0xa0 => {
                let mut list = field.enter(0x30, "mechTypes")?;
                while let Some((0x06, oid)) = list.next("mechTypes")? {
                    first = first.or(Some(oid.rest()));
                    wrapping.mechanisms.push(mechanism_name(oid.rest()));
                }
            }
            0xa2 => token = Some(field.enter(0x04, "mechToken")?),
            // [3] is negHints in the form that servers send first, mechListMIC else.
            0xa3 | 0xa4 => wrapping.mech_list_mic |= field.rest().first() == Some(&0x04),
            _ => {}
        }
    }
    let Some(token) = token else {
        let offered = wrapping.mechanisms.join(", ");
        return Ok(Content::Other(format!("a SPNEGO NegTokenInit that offers {offered} and carries no token yet")));
    };
    inner(token, wrapping, first)
}

fn neg_token_resp(mut der: Der<'_>) -> Result<Content<'_>, Problem> {
    let mut wrapping = Wrapping { kind: "NegTokenResp", ..Wrapping::default() };
    let mut mechanism = None;
    let mut token = None;
    let mut fields = der.enter(0xa1, "NegTokenResp")?.enter(0x30, "NegTokenResp")?;
    while let Some((tag, mut field)) = fields.next("NegTokenResp")? {
        match tag {
            0xa0 => {
                let state = field.enter(0x0a, "negState")?.rest();
                wrapping.state = Some(match state {
                    [0] => "accept-completed".to_owned(),
                    [1] => "accept-incomplete".to_owned(),
                    [2] => "reject".to_owned(),
                    [3] => "request-mic".to_owned(),
                    other => format!("unknown ({})", crate::output::hex(other)),
                });
            }
            0xa1 => {
                let oid = field.enter(0x06, "supportedMech")?.rest();
                mechanism = Some(oid);
                wrapping.mechanisms.push(mechanism_name(oid));
            }
            0xa2 => token = Some(field.enter(0x04, "responseToken")?),
            0xa3 => wrapping.mech_list_mic = true,
            _ => {}
        }
    }
    let Some(token) = token else {
        let state = wrapping.state.as_deref().unwrap_or("no negState");
        let mic = if wrapping.mech_list_mic { "a mechListMIC and " } else { "" };
        return Ok(Content::Other(format!("a SPNEGO NegTokenResp ({state}) with {mic}no token inside")));
    };
    inner(token, wrapping, mechanism)
}

/// The token of the mechanism itself.
fn inner<'a>(token: Der<'a>, wrapping: Wrapping, mechanism: Option<&[u8]>) -> Result<Content<'a>, Problem> {
    let message = token.rest();
    if message.first() == Some(&0x60) {
        // One level: what is inside must be a mechanism's own token, never SPNEGO again.
        let mut outside = token;
        let mut inside = outside.enter(0x60, "InitialContextToken")?;
        let oid = inside.enter(0x06, "thisMech")?.rest();
        if oid != NTLM {
            return Ok(Content::Other(format!("{}, in a SPNEGO {}", foreign(oid), wrapping.kind)));
        }
        let wrapping = Wrapping { offset: inside.at, ..wrapping };
        return Ok(Content::Ntlm { message: inside.rest(), wrapping: Some(wrapping) });
    }
    match mechanism {
        Some(oid) if oid != NTLM && !message.starts_with(&SIGNATURE) => {
            Ok(Content::Other(format!("{}, in a SPNEGO {}", foreign(oid), wrapping.kind)))
        }
        _ => Ok(Content::Ntlm { message, wrapping: Some(Wrapping { offset: token.at, ..wrapping }) }),
    }
}

fn mechanism_name(oid: &[u8]) -> String {
    MECHANISMS.iter().find(|(known, ..)| *known == oid).map_or_else(|| dotted(oid), |(_, name, _)| (*name).to_owned())
}

/// An object identifier in dotted form; hex when it is none.
fn dotted(oid: &[u8]) -> String {
    let mut text = String::new();
    let mut arc = 0_u64;
    for &byte in oid.iter().take(32) {
        if arc >> 56 != 0 {
            return crate::output::hex(oid);
        }
        arc = arc << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        // The first two arcs share a number (X.690 8.19.4).
        let written = match (text.is_empty(), arc) {
            (true, 0..80) => write!(text, "{}.{}", arc / 40, arc % 40),
            (true, _) => write!(text, "2.{}", arc - 80),
            (false, _) => write!(text, ".{arc}"),
        };
        if written.is_err() {
            return crate::output::hex(oid);
        }
        arc = 0;
    }
    if text.is_empty() { crate::output::hex(oid) } else { text }
}

/// A place in DER-encoded bytes: everything up to `end` is the element that the place is in.
#[derive(Clone, Copy)]
struct Der<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Der<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, end: bytes.len() }
    }

    /// What is left of the element.
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..self.end).unwrap_or(&[])
    }

    /// The next element inside this one, if there is any.
    fn next(&mut self, field: &'static str) -> Result<Option<(u8, Self)>, Problem> {
        if self.rest().is_empty() { Ok(None) } else { self.element(field).map(Some) }
    }

    /// Steps over the next element and gives its inside; fails when its tag is not `expected`.
    fn enter(&mut self, expected: u8, field: &'static str) -> Result<Self, Problem> {
        let at = self.at;
        let (found, inside) = self.element(field)?;
        if found != expected {
            return Err(Problem::new(
                "SPNEGO",
                field,
                at,
                format!("tag {found:#04x} where {expected:#04x} is expected"),
            ));
        }
        Ok(inside)
    }

    /// Steps over the next element and gives its tag and inside.
    fn element(&mut self, field: &'static str) -> Result<(u8, Self), Problem> {
        let (tag, start, length) = self.header(field)?;
        match start.checked_add(length) {
            Some(end) if end <= self.end => {
                self.at = end;
                Ok((tag, Self { bytes: self.bytes, at: start, end }))
            }
            _ => {
                let left = self.end.saturating_sub(start);
                let reason =
                    format!("is {length} bytes long by its length, and {left} are left: is the token cut off?");
                Err(Problem::new("SPNEGO", field, self.at, reason))
            }
        }
    }

    /// The inside of the next element, or what is there of it: of a token that was cut off it can still be told what it is.
    fn outermost(self) -> Result<Self, Problem> {
        let (_, start, length) = self.header("token")?;
        Ok(Self { bytes: self.bytes, at: start, end: start.saturating_add(length).min(self.end) })
    }

    /// The tag of the next element, where its inside begins, and how long that says it is.
    fn header(&self, field: &'static str) -> Result<(u8, usize, usize), Problem> {
        let fail = |reason: &str| Err(Problem::new("SPNEGO", field, self.at, reason.to_owned()));
        let rest = self.rest();
        let [tag, length, ..] = *rest else { return fail("the token ends here") };
        let (header, length) = match length {
            0..=0x7f => (2, usize::from(length)),
            0x81..=0x84 => {
                let count = usize::from(length & 0x7f);
                let Some(digits) = rest.get(2..2 + count) else { return fail("the token ends inside the length") };
                (2 + count, digits.iter().fold(0_usize, |sum, &digit| sum << 8 | usize::from(digit)))
            }
            _ => return fail("a length that DER does not have"),
        };
        Ok((tag, self.at + header, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_identifiers_are_written_with_dots() {
        assert_eq!(dotted(NTLM), "1.3.6.1.4.1.311.2.2.10");
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02]), "1.2.840.113554.1.2.2");
        assert_eq!(dotted(&[0x88, 0x37]), "2.999");
        assert_eq!(dotted(&[]), "");
        assert_eq!(dotted(&[0xff; 12]), "ffffffffffffffffffffffff");
    }
}
