//! What went wrong, as an exit status: the one mapping of the client's errors.

use ntlm_http::client::{Error, Refusal};

use crate::failure::{Failure, STATUS_NO, STATUS_UNUSABLE};

/// No connection, or it was lost.
const STATUS_UNREACHABLE: u8 = 3;

/// NTLM cannot be had there.
const STATUS_NO_NTLM: u8 = 4;

/// A response of 400 or above, with --fail; curl's number.
pub(super) const STATUS_HTTP_ERROR: u8 = 22;

/// The failure that an error comes to. `named`: --cacert was given.
pub(super) fn failure(error: &Error, named: bool) -> Failure {
    let status = match error {
        Error::Url { .. } | Error::Request(_) | Error::Roots(_) | Error::Body(_) => STATUS_UNUSABLE,
        Error::Logon(error) => match error.refusal {
            Refusal::Denied => STATUS_NO,
            _ => STATUS_NO_NTLM,
        },
        Error::Tunnel { status, .. } if status.as_u16() == 407 => STATUS_NO,
        Error::Http2 { .. } => STATUS_NO_NTLM,
        Error::TooLong { .. } => STATUS_UNUSABLE,
        // Connections, and what becomes of them; the enum may grow.
        _ => STATUS_UNREACHABLE,
    };
    let hint = match error {
        Error::Tls { source, .. } if source.to_string().contains("certificate") => {
            if named {
                "; neither the system nor --cacert vouches for it"
            } else {
                "; --cacert names a certificate to trust"
            }
        }
        Error::Redirects { .. } => "; --max-redirs allows more",
        // Only JSON holds a body whole.
        Error::TooLong { .. } => ", more than --json takes in; write the body to a file with -o",
        Error::Tunnel { status, .. } if status.as_u16() == 407 => "; -U names a user",
        _ => "",
    };
    Failure::with_status(format!("{error}{hint}"), status)
}

pub(super) fn too_slow(seconds: u64) -> Failure {
    Failure::with_status(format!("the whole took longer than --max-time {seconds}"), STATUS_UNREACHABLE)
}
