//! Finds tokens in what people have: base64, hex, header lines, logs, files.
//!
//! ```text
//! bytes that begin as a token      the whole is one token
//! text                             each line, if that is all there is; all lines together, if one token was broken into them;
//!                                  else every header with a token, and every word that is unmistakably one
//! other bytes                      the headers in it; else every place where "NTLMSSP" and a NUL stand
//! ```

use std::fs::File;
use std::io::Read;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ntlm::wire::{MAX_MESSAGE_LENGTH, SIGNATURE};

use super::{Problem, message, spnego};
use crate::failure::Failure;

/// The longest input that is read.
const MAX_INPUT: u64 = 64 * 1024 * 1024;

/// The most tokens that are taken from one source.
const MAX_TOKENS: usize = 10_000;

/// Something to look for tokens in.
pub(super) struct Source {
    /// What it is called in messages.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Where a token was found, and how it was written.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    pub(super) source: String,
    /// Counted from 1; of texts of several lines alone.
    pub(super) line: Option<usize>,
    /// In bytes from the start of the source; of tokens found inside other data alone.
    pub(super) offset: Option<usize>,
    pub(super) header: Option<&'static str>,
    /// `NTLM` or `Negotiate`.
    pub(super) scheme: Option<&'static str>,
    /// `base64`, `hex` or `bytes`.
    pub(super) encoding: &'static str,
}

/// What should be a token.
pub(super) struct Candidate {
    pub(super) origin: Origin,
    pub(super) token: Result<Vec<u8>, Problem>,
}

impl Source {
    /// An argument: a token, or `@` and the path of a file, or `-` for standard input.
    pub(super) fn argument(argument: &str, name: String) -> Result<Self, Failure> {
        match argument.strip_prefix('@') {
            Some(path) => Self::file(std::path::Path::new(path)),
            None if argument == "-" => Self::stdin(),
            None => Ok(Self { name, bytes: argument.as_bytes().to_vec() }),
        }
    }

    pub(super) fn file(path: &std::path::Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| {
            Failure::unusable(format!("{name} cannot be read: {error}; check the path, or pass the token itself"))
        })?;
        Self::read(file, name)
    }

    pub(super) fn stdin() -> Result<Self, Failure> {
        Self::read(std::io::stdin(), "standard input".to_owned())
    }

    fn read(from: impl Read, name: String) -> Result<Self, Failure> {
        let mut bytes = Vec::new();
        let read = from.take(MAX_INPUT + 1).read_to_end(&mut bytes);
        read.map_err(|error| Failure::unusable(format!("{name} cannot be read: {error}")))?;
        if bytes.len() as u64 > MAX_INPUT {
            let limit = MAX_INPUT / 1024 / 1024;
            return Err(Failure::unusable(format!(
                "{name} is longer than {limit} MiB; cut out the lines with the tokens"
            )));
        }
        Ok(Self { name, bytes })
    }

    /// Every token in the source, in order.
    pub(super) fn candidates(&self) -> Result<Vec<Candidate>, Problem> {
        let found = self.search()?;
        if found.len() > MAX_TOKENS {
            return Err(Problem::text(format!("has more than {MAX_TOKENS} tokens; pass it in pieces")));
        }
        Ok(found)
    }

    fn search(&self) -> Result<Vec<Candidate>, Problem> {
        let origin = Origin { source: self.name.clone(), encoding: "bytes", ..Origin::default() };
        let bytes = self.bytes.as_slice();
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Problem::text("is empty; pass a token, a header line or a log"));
        }
        let text = text_of(bytes);
        if bytes.starts_with(&SIGNATURE) || (text.is_none() && spnego::looks_wrapped(bytes)) {
            return Ok(vec![Candidate { origin, token: Ok(bytes.to_vec()) }]);
        }
        if let Some(found) = text.as_deref().and_then(|text| bare(text, &origin)) {
            return Ok(found);
        }
        let lossy = text.clone().unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned());
        let (found, schemes) = in_lines(&lossy, &origin);
        if !found.is_empty() {
            return Ok(found);
        }
        match text {
            Some(text) => whole(&text, &origin, schemes),
            None => {
                let found = in_bytes(bytes, &origin);
                // What is no token at all is left to the parser, which says so with field and offset.
                Ok(if found.is_empty() { vec![Candidate { origin, token: Ok(bytes.to_vec()) }] } else { found })
            }
        }
    }
}

/// The bytes as text, if they are one: UTF-8, or UTF-16 with a byte order mark, as PowerShell writes logs.
fn text_of(bytes: &[u8]) -> Option<String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|&pair| unit(pair)).collect();
        String::from_utf16(&units).ok()
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        _ => std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}').to_owned(),
    };
    // curl and others colour their logs.
    let text = anstream::adapter::strip_str(&text).to_string();
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n');
    (!text.contains(control)).then_some(text)
}

/// The tokens in the lines of a log, and the number of authentication schemes without one.
fn in_lines(text: &str, origin: &Origin) -> (Vec<Candidate>, usize) {
    let several = text.trim().lines().nth(1).is_some();
    let mut found = Vec::new();
    let mut schemes = 0;
    for (index, line) in text.lines().enumerate() {
        let origin = Origin { line: several.then_some(index + 1), ..origin.clone() };
        match header(line) {
            Some((name, value)) => schemes += in_header(name, value, &origin, &mut found),
            None => in_words(line, &origin, &mut found),
        }
        if found.len() > MAX_TOKENS {
            break;
        }
    }
    (found, schemes)
}

/// The authentication header in a line and what follows its colon. The line may have anything before it, and quotes around the name.
fn header(line: &str) -> Option<(&'static str, &str)> {
    // The proxies' first: their names end like the others'.
    const HEADERS: [(&str, &str); 4] = [
        ("proxy-authorization", "Proxy-Authorization"),
        ("proxy-authenticate", "Proxy-Authenticate"),
        ("www-authenticate", "WWW-Authenticate"),
        ("authorization", "Authorization"),
    ];
    // ASCII lower case keeps every byte in its place.
    let lower = line.to_ascii_lowercase();
    HEADERS.into_iter().find_map(|(lower_name, name)| {
        let at = lower.find(lower_name)?;
        let rest = line.get(at + name.len()..)?.trim_start_matches(['"', '\'', ' ']);
        Some((name, rest.strip_prefix(':')?))
    })
}

/// The tokens in the value of a header. Gives the number of schemes without one.
fn in_header(name: &'static str, value: &str, origin: &Origin, found: &mut Vec<Candidate>) -> usize {
    const SCHEMES: [&str; 3] = ["NTLM", "Negotiate", "Kerberos"];
    let mut bare = 0;
    for part in value.split(',') {
        let part = part.trim_start_matches(['"', '\'', ' ', '[', '\t']);
        let mut words = part.split_ascii_whitespace();
        let scheme = words.next().unwrap_or_default();
        // A log may write the line's end as \r\n, and quotes around the whole.
        let end = |c| matches!(c, '"' | '\'' | '\\' | ';' | ']');
        let scheme = scheme.split(end).next().unwrap_or_default();
        let Some(scheme) = SCHEMES.into_iter().find(|known| known.eq_ignore_ascii_case(scheme)) else { continue };
        let token = words.next().and_then(|word| word.split(end).next()).unwrap_or_default();
        if token.is_empty() {
            bare += 1;
            continue;
        }
        let origin = Origin { header: Some(name), scheme: Some(scheme), ..origin.clone() };
        found.push(decoded(token, origin));
    }
    bare
}

/// The words of a line that begin as a token does: of SMTP and IMAP dialogues, `ntlm_auth` helper protocols, other logs.
fn in_words(line: &str, origin: &Origin, found: &mut Vec<Candidate>) {
    /// `NTLMSSP` and a NUL in base64, but for the last digit, which the type decides, and in hex.
    const BASE64: &str = "TlRMTVNTUA";
    const HEX: &str = "4e544c4d53535000";
    for word in
        line.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '<' | '>' | '[' | ']' | '(' | ')'))
    {
        let start = word.to_ascii_lowercase().find(HEX).or_else(|| word.find(BASE64));
        if let Some(token) = start.and_then(|at| word.get(at..)) {
            // What follows a token in logs and sentences; anything else is left for the decoder to complain about.
            let token =
                token.split(['\\', ';', '|', '}', '&']).next().unwrap_or(token).trim_end_matches(['.', '*', ':']);
            found.push(decoded(token, origin.clone()));
        } else if word.len() >= 16 && word.starts_with(['Y', 'o']) {
            // 0x60 and 0xa1: GSS-API's framing and NegTokenResp. Many words begin so; few are DER.
            let candidate = decoded(word, origin.clone());
            if candidate.token.as_ref().is_ok_and(|token| spnego::looks_wrapped(token)) {
                found.push(candidate);
            }
        }
    }
}

/// The tokens of a text that is nothing but tokens: one to a line, or one broken into lines.
fn bare(text: &str, origin: &Origin) -> Option<Vec<Candidate>> {
    let is_token = |candidate: &Candidate| {
        let wrapped = |token: &[u8]| token.starts_with(&SIGNATURE) || spnego::looks_wrapped(token);
        candidate.token.as_deref().is_ok_and(wrapped)
    };
    let lines: Vec<(usize, &str)> =
        text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()).collect();
    let &[(_, first), .., (_, last)] = lines.as_slice() else {
        return Some(vec![decoded(text, origin.clone())]).filter(|found| found.iter().all(is_token));
    };
    // Logs are left to the search in lines.
    let words = lines.iter().all(|(_, line)| line.len() >= 16 && !line.contains(char::is_whitespace));
    let decode = |&(index, line): &(usize, &str)| decoded(line, Origin { line: Some(index + 1), ..origin.clone() });
    let each = lines.iter().map(decode).take_while(|candidate| candidate.token.is_ok());
    let each: Vec<Candidate> = each.collect();
    let all_decode = each.len() == lines.len();
    let count = each.iter().filter(|candidate| is_token(candidate)).count();
    if count == lines.len() {
        return Some(each);
    }
    let (_, front) = lines.split_last()?;
    let broken = count <= 1 && front.iter().all(|(_, line)| line.len() == first.len()) && last.len() <= first.len();
    if broken {
        let whole = decoded(text, origin.clone());
        return is_token(&whole).then(|| vec![whole]);
    }
    // A list in which something is wrong with a token: the rest of it is no prose, or it would not decode.
    (words && all_decode && count > 0).then_some(each)
}

/// A text without any token: what is wrong with it, or what it decodes to, for the parser to refuse.
fn whole(text: &str, origin: &Origin, schemes: usize) -> Result<Vec<Candidate>, Problem> {
    let candidate = decoded(text, origin.clone());
    match &candidate.token {
        // Prose may decode as base64 by chance.
        Ok(_) if candidate.origin.encoding == "base64" && text.trim().contains(char::is_whitespace) => {
            Err(Problem::text(
                "holds no token; pass base64, hex, a header line such as `Authorization: NTLM ...`, or a log with such lines",
            ))
        }
        Ok(_) => Ok(vec![candidate]),
        Err(_) if schemes > 0 => Err(Problem::text(
            "has authentication headers, but none carries a token: a scheme alone is only an offer; log the requests that follow",
        )),
        Err(problem) => Err(Problem::text(format!(
            "holds no token: there is no header such as `Authorization: NTLM ...` with one, and as a token by itself it {problem}; \
             pass base64, hex, a header line or a log"
        ))),
    }
}

/// The messages inside other data, such as captured packets.
fn in_bytes(bytes: &[u8], origin: &Origin) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(step) = bytes.get(at..).and_then(|rest| rest.windows(8).position(|window| window == SIGNATURE)) {
        let start = at + step;
        let rest = bytes.get(start..).unwrap_or(&[]);
        let rest = rest.get(..MAX_MESSAGE_LENGTH).unwrap_or(rest);
        let message = rest.get(..message::extent(rest)).unwrap_or(rest);
        found.push(Candidate { origin: Origin { offset: Some(start), ..origin.clone() }, token: Ok(message.to_vec()) });
        at = start + SIGNATURE.len();
        if found.len() > MAX_TOKENS {
            break;
        }
    }
    found
}

fn decoded(text: &str, origin: Origin) -> Candidate {
    match decode(text) {
        Ok((token, encoding)) => Candidate { origin: Origin { encoding, ..origin }, token: Ok(token) },
        Err(problem) => Candidate { origin: Origin { encoding: "unknown", ..origin }, token: Err(problem) },
    }
}

/// Decodes hex, with or without separators, or base64 of either alphabet, with or without padding.
pub(super) fn decode(text: &str) -> Result<(Vec<u8>, &'static str), Problem> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let hex = compact.replace("\\x", "").replace([':', ','], "");
    let hex = hex.strip_prefix("0x").unwrap_or(&hex);
    if !hex.is_empty() && hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return match from_hex(hex) {
            Some(bytes) => Ok((bytes, "hex")),
            None => Err(Problem::text(format!("has {} hex digits, an odd number: is it cut off?", hex.len()))),
        };
    }
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let standard = compact.replace('-', "+").replace('_', "/");
    GeneralPurpose::new(&STANDARD, config).decode(&standard).map(|bytes| (bytes, "base64")).map_err(|error| {
        use base64::DecodeError as E;
        Problem::text(match error {
            E::InvalidByte(at, _) => {
                let found = standard.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('?');
                format!("is neither base64 nor hex: {found:?} at character {at}")
            }
            E::InvalidLength(length) => format!("is no whole base64: {length} characters; is it cut off?"),
            _ => format!("is no base64: {error}"),
        })
    })
}

/// The bytes of hex digits; `None` when there is an odd number of them, or another character.
pub(super) fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|&[high, low]| Some(value(high)? << 4 | value(low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}
