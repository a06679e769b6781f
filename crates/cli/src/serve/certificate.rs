//! The names in a certificate (RFC 5280 section 4.2.1.6). Of the certificate no more is read than that takes; what cannot be read has no names.
//!
//! ```text
//! TBSCertificate ::= SEQUENCE { version [0], serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, ..., extensions [3] }
//! Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }
//! SubjectAltName ::= SEQUENCE OF GeneralName, of which dNSName [2] and iPAddress [7]
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
/// extensions, explicit.
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
/// id-ce-subjectAltName: 2.5.29.17
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// Names and addresses in SubjectAltName of the certificate `der`. Wildcards are left out: they name no host.
pub(super) fn names(der: &[u8]) -> Vec<String> {
    let names = subject_alt_name(der).unwrap_or_default();
    elements(names).filter_map(|(tag, value)| name(tag, value)).collect()
}

fn name(tag: u8, value: &[u8]) -> Option<String> {
    match tag {
        DNS_NAME => std::str::from_utf8(value).ok().filter(|name| !name.contains('*')).map(str::to_owned),
        IP_ADDRESS => {
            let v4 = || value.try_into().map(|address: [u8; 4]| IpAddr::from(Ipv4Addr::from(address)));
            let v6 = |_| value.try_into().map(|address: [u8; 16]| IpAddr::from(Ipv6Addr::from(address)));
            v4().or_else(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// The GeneralNames of SubjectAltName.
fn subject_alt_name(der: &[u8]) -> Option<&[u8]> {
    let certificate = of(elements(der).next()?, SEQUENCE)?;
    let to_be_signed = of(elements(certificate).next()?, SEQUENCE)?;
    let extensions = elements(to_be_signed).find_map(|element| of(element, EXTENSIONS))?;
    let extensions = of(elements(extensions).next()?, SEQUENCE)?;
    elements(extensions).find_map(|extension| {
        let mut parts = elements(of(extension, SEQUENCE)?);
        if of(parts.next()?, OBJECT_IDENTIFIER)? != SUBJECT_ALT_NAME {
            return None;
        }
        let value = parts.find_map(|part| of(part, OCTET_STRING))?;
        of(elements(value).next()?, SEQUENCE)
    })
}

fn of((tag, value): (u8, &[u8]), wanted: u8) -> Option<&[u8]> {
    (tag == wanted).then_some(value)
}

/// The elements of DER that follow each other, up to the first that is broken: tag and content.
fn elements(mut der: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&tag, rest) = der.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        der = rest;
        Some((tag, content))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_certificate_are_found() {
        let given = ["web1.example.test", "www.example.test", "*.example.test", "192.0.2.7", "2001:db8::7"];
        let key = rcgen::generate_simple_self_signed(given.map(str::to_owned)).unwrap();
        let der = key.cert.der();
        let found = ["web1.example.test", "www.example.test", "192.0.2.7", "2001:db8::7"];
        assert_eq!(names(der), found);
        let without = rcgen::generate_simple_self_signed(Vec::new()).unwrap();
        assert!(names(without.cert.der()).is_empty());
        for length in 0..der.len() {
            // No prefix is taken for more than it is, and none makes the reader panic.
            assert!(names(&der[..length]).len() <= found.len());
        }
    }
}
