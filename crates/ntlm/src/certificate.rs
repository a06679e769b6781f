//! Why certificates have no channel bindings, and what they are made of: `tls-server-end-point` (RFC 5929 section 4): the hash of a certificate, made with the hash function of its own signature, or with SHA-256 where
//! that is MD5 or SHA-1.
//!
//! Of the certificate no more is read than that takes:
//!
//! ```text
//! Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm AlgorithmIdentifier, signature BIT STRING }
//! AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }
//! RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] AlgorithmIdentifier DEFAULT sha1, .. }
//! ```

use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};

/// Why a certificate has no channel bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// Not a certificate in DER.
    Malformed,
    /// A signature algorithm for which RFC 5929 defines no binding (Ed25519), or one that is not known here.
    NoHash,
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the certificate is no X.509 certificate in DER; give it in DER, not in PEM",
            Self::NoHash => {
                "no channel bindings are defined for the certificate's signature algorithm (RFC 5929 section 4.1); use one that is signed \
                 with RSA or ECDSA"
            }
        })
    }
}

impl core::error::Error for CertificateError {}

/// The hash functions that bindings are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha224,
    /// Also in the place of MD5 and SHA-1.
    Sha256,
    Sha384,
    Sha512,
    Sha512Over224,
    Sha512Over256,
}

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BIT_STRING: u8 = 0x03;
/// `[0]`, explicit.
const CONTEXT_0: u8 = 0xa0;

/// pkcs-1: 1.2.840.113549.1.1
const PKCS_1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// ecdsa-with-SHA2: 1.2.840.10045.4.3
const ECDSA_SHA2: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
/// ecdsa-with-SHA1: 1.2.840.10045.4.1
const ECDSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
/// dsa-with-SHA1: 1.2.840.10040.4.3
const DSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03];
/// sigAlgs of NIST: 2.16.840.1.101.3.4.3
const NIST_SIGNATURES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03];
/// hashAlgs of NIST: 2.16.840.1.101.3.4.2
const NIST_HASHES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
/// sha1: 1.3.14.3.2.26
const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
/// md5: 1.2.840.113549.2.5
const MD5: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05];

/// The hash of the certificate `der` that its binding is made of.
pub(crate) fn end_point_hash(der: &[u8]) -> Result<Vec<u8>, CertificateError> {
    let (algorithm, parameters) = signature_algorithm(der).ok_or(CertificateError::Malformed)?;
    let hash = match algorithm.strip_prefix(PKCS_1) {
        Some([10]) => pss_hash(parameters).ok_or(CertificateError::Malformed)?,
        _ => signature_hash(algorithm),
    };
    Ok(match hash.ok_or(CertificateError::NoHash)? {
        Hash::Sha224 => Sha224::digest(der).to_vec(),
        Hash::Sha256 => Sha256::digest(der).to_vec(),
        Hash::Sha384 => Sha384::digest(der).to_vec(),
        Hash::Sha512 => Sha512::digest(der).to_vec(),
        Hash::Sha512Over224 => Sha512_224::digest(der).to_vec(),
        Hash::Sha512Over256 => Sha512_256::digest(der).to_vec(),
    })
}

/// The hash function of a signature algorithm whose name says it.
fn signature_hash(algorithm: &[u8]) -> Option<Hash> {
    if algorithm == ECDSA_SHA1 || algorithm == DSA_SHA1 {
        return Some(Hash::Sha256);
    }
    let last = |prefix| match algorithm.strip_prefix(prefix) {
        Some([last]) => Some(*last),
        _ => None,
    };
    if let Some(last) = last(PKCS_1) {
        return match last {
            // md5WithRSAEncryption, sha1WithRSAEncryption
            4 | 5 | 11 => Some(Hash::Sha256),
            12 => Some(Hash::Sha384),
            13 => Some(Hash::Sha512),
            14 => Some(Hash::Sha224),
            15 => Some(Hash::Sha512Over224),
            16 => Some(Hash::Sha512Over256),
            _ => None,
        };
    }
    // ecdsa-with-SHA224 .. SHA512, dsa-with-sha224 .. sha512
    match last(ECDSA_SHA2).or_else(|| last(NIST_SIGNATURES))? {
        1 => Some(Hash::Sha224),
        2 => Some(Hash::Sha256),
        3 => Some(Hash::Sha384),
        4 => Some(Hash::Sha512),
        _ => None,
    }
}

/// The hash function in RSASSA-PSS-params, SHA-1 where there is none; `None` outside when they are malformed.
fn pss_hash(parameters: &[u8]) -> Option<Option<Hash>> {
    let (parameters, []) = element(parameters, SEQUENCE)? else { return None };
    if parameters.first() != Some(&CONTEXT_0) {
        return Some(Some(Hash::Sha256));
    }
    let (hash, _) = element(parameters, CONTEXT_0)?;
    let (hash, _) = element(hash, SEQUENCE)?;
    let (hash, _) = element(hash, OBJECT_IDENTIFIER)?;
    Some(match hash.strip_prefix(NIST_HASHES) {
        Some([1]) => Some(Hash::Sha256),
        Some([2]) => Some(Hash::Sha384),
        Some([3]) => Some(Hash::Sha512),
        Some([4]) => Some(Hash::Sha224),
        Some([5]) => Some(Hash::Sha512Over224),
        Some([6]) => Some(Hash::Sha512Over256),
        _ if hash == SHA1 || hash == MD5 => Some(Hash::Sha256),
        _ => None,
    })
}

/// Name and parameters of the algorithm that signed the certificate.
fn signature_algorithm(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (certificate, []) = element(der, SEQUENCE)? else { return None };
    let (_, rest) = element(certificate, SEQUENCE)?;
    let (algorithm, rest) = element(rest, SEQUENCE)?;
    let (_, []) = element(rest, BIT_STRING)? else { return None };
    element(algorithm, OBJECT_IDENTIFIER)
}

/// Takes an element with `tag` off the front: its content, and what is behind it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, bytes) = bytes.split_first()?;
    let (first, bytes) = bytes.split_first().filter(|_| *found == tag)?;
    let (length, bytes) = match first {
        0..=0x7f => (usize::from(*first), bytes),
        // Up to four bytes of length.
        0x81..=0x84 => {
            let (length, bytes) = bytes.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), bytes)
        }
        _ => return None,
    };
    bytes.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap();
        let header = match u8::try_from(length) {
            Ok(length @ 0..0x80) => vec![tag, length],
            Ok(length) => vec![tag, 0x81, length],
            Err(_) => [vec![tag, 0x82], length.to_be_bytes().to_vec()].concat(),
        };
        [header, content.to_vec()].concat()
    }

    /// A certificate as far as it is looked at.
    fn certificate(algorithm: &[u8], parameters: &[u8]) -> Vec<u8> {
        let algorithm = wrap(SEQUENCE, &[wrap(OBJECT_IDENTIFIER, algorithm), parameters.to_vec()].concat());
        wrap(SEQUENCE, &[wrap(SEQUENCE, &[7; 300]), algorithm, wrap(BIT_STRING, &[0; 70])].concat())
    }

    fn hash_length(algorithm: &[&[u8]], parameters: &[u8]) -> Result<usize, CertificateError> {
        end_point_hash(&certificate(&algorithm.concat(), parameters)).map(|hash| hash.len())
    }

    #[test]
    fn the_signature_decides_on_the_hash() {
        for (prefix, last, length) in [
            (PKCS_1, 4, 32),
            (PKCS_1, 5, 32),
            (PKCS_1, 11, 32),
            (PKCS_1, 12, 48),
            (PKCS_1, 13, 64),
            (PKCS_1, 14, 28),
            (PKCS_1, 15, 28),
            (PKCS_1, 16, 32),
            (ECDSA_SHA2, 1, 28),
            (ECDSA_SHA2, 2, 32),
            (ECDSA_SHA2, 3, 48),
            (ECDSA_SHA2, 4, 64),
            (NIST_SIGNATURES, 2, 32),
        ] {
            assert_eq!(hash_length(&[prefix, &[last]], &[5, 0]), Ok(length), "{prefix:x?}.{last}");
        }
        assert_eq!(hash_length(&[ECDSA_SHA1], &[]), Ok(32));
        let der = certificate(&[PKCS_1, &[12]].concat(), &[5, 0]);
        assert_eq!(end_point_hash(&der).unwrap(), Sha384::digest(&der).to_vec());
    }

    #[test]
    fn pss_says_its_hash_in_its_parameters() {
        let pss = |parameters: &[u8]| hash_length(&[PKCS_1, &[10]], parameters);
        let with = |oid: &[&[u8]]| {
            let algorithm = wrap(SEQUENCE, &wrap(OBJECT_IDENTIFIER, &oid.concat()));
            wrap(SEQUENCE, &wrap(CONTEXT_0, &algorithm))
        };
        assert_eq!(pss(&with(&[NIST_HASHES, &[2]])), Ok(48));
        assert_eq!(pss(&with(&[SHA1])), Ok(32));
        assert_eq!(pss(&wrap(SEQUENCE, &[])), Ok(32));
        assert_eq!(pss(&with(&[NIST_HASHES, &[7]])), Err(CertificateError::NoHash));
        assert_eq!(pss(&[]), Err(CertificateError::Malformed));
    }

    #[test]
    fn signatures_without_a_hash_have_no_binding() {
        for algorithm in [&[0x2b, 0x65, 0x70][..], PKCS_1, &[], &[1; 40]] {
            assert_eq!(hash_length(&[algorithm], &[]), Err(CertificateError::NoHash));
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let der = certificate(&[PKCS_1, &[11]].concat(), &[5, 0]);
        for length in 0..der.len() {
            assert_eq!(end_point_hash(&der[..length]), Err(CertificateError::Malformed), "{length}");
        }
        assert_eq!(end_point_hash(&[&der[..], &[0]].concat()), Err(CertificateError::Malformed));
        assert_eq!(end_point_hash(b"-----BEGIN CERTIFICATE-----"), Err(CertificateError::Malformed));
        for length in [[0x84, 0xff, 0xff, 0xff, 0xff], [0x85, 1, 1, 1, 1], [0x80, 0, 0, 0, 0]] {
            assert_eq!(end_point_hash(&[&[SEQUENCE], &length[..]].concat()), Err(CertificateError::Malformed));
        }
    }
}
