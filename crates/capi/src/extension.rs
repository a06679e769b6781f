//! `ntlm_sspi.h`: what SSPI lacks. An authority for servers, NT hashes as credentials, channel bindings of a certificate, and reasons in words.

use std::ffi::{CString, c_char, c_void};
use std::sync::LazyLock;

use ntlm::certificate::CertificateError;
use ntlm::{ChannelBindings, NtHash, Password};
use ntlm_sspi::{AuthIdentity, BufferType, CredentialUse, Secret, SecurityStatus};
use zeroize::Zeroizing;

use crate::alloc::{self, Block};
use crate::authority::{self, AuthorityCallback};
use crate::buffers::channel_bindings_bytes;
use crate::credentials::time_stamp;
use crate::frame::{Answer, In, Out, Parameter, export, guarded};
use crate::report::{self, LogCallback};
use crate::settings::interface;
use crate::string::Text;
use crate::types::{Plain, SEC_CHAR, SECURITY_STATUS, SecBuffer, SecHandle, TimeStamp};

/// Certificates longer than this are something else.
const LONGEST_CERTIFICATE: usize = 1 << 20;

/// The longest name, in characters.
const LONGEST_NAME: usize = 0x7fff;

/// A parameter that is a function, or NULL.
pub struct Function<F>(Option<F>);

impl<F> Parameter for Function<F> {
    type Raw = Option<F>;
    unsafe fn vouched(raw: Option<F>) -> Self {
        Self(raw)
    }
}

/// A parameter that is handed through.
pub struct Context(*mut c_void);

impl Parameter for Context {
    type Raw = *mut c_void;
    unsafe fn vouched(raw: *mut c_void) -> Self {
        Self(raw)
    }
}

/// A parameter that is bytes, whose number another parameter says.
pub struct Bytes(*const u8);

impl Parameter for Bytes {
    type Raw = *const u8;
    unsafe fn vouched(raw: *const u8) -> Self {
        Self(raw)
    }
}

impl Bytes {
    fn read(&self, length: usize) -> Option<&[u8]> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: the caller of the C function vouches for that many bytes.
        Some(unsafe { std::slice::from_raw_parts(self.0, length) })
    }
}

/// NT hashes: 16 bytes.
pub type HashBytes = [u8; 16];

// SAFETY: every pattern of bits is 16 bytes.
unsafe impl Plain for HashBytes {}

export! {
    /// Sets who decides on logons, instead of the accounts that the environment names; NULL sets it back.
    fn ntlm_sspi_set_authority(callback: Function<AuthorityCallback>, context: Context) {
        authority::set_callback(callback.0, context.0);
        Ok(())
    }

    /// Sets who reads along what would go to a log; NULL for nobody.
    fn ntlm_sspi_set_log(callback: Function<LogCallback>, context: Context) {
        report::set_reader(callback.0, context.0);
        Ok(())
    }

    /// AcquireCredentialsHandle for a user whose NT hash is known instead of the password.
    fn ntlm_sspi_acquire_with_nt_hash(
        package: Text<SEC_CHAR>,
        credential_use: u32,
        user: Text<SEC_CHAR>,
        domain: Text<SEC_CHAR>,
        nt_hash: In<HashBytes>,
        credential: Out<SecHandle>,
        expiry: Out<TimeStamp>,
    ) {
        credential.required_handle()?;
        let package = package.package()?;
        let unknown = SecurityStatus::SEC_E_UNKNOWN_CREDENTIALS;
        let name = |text: &Text<SEC_CHAR>| text.read(LONGEST_NAME).map(Option::unwrap_or_default).map_err(|_| unknown);
        let hash = Zeroizing::new(nt_hash.read().ok_or(unknown)?);
        let identity = AuthIdentity {
            user: name(&user)?,
            domain: name(&domain)?,
            secret: Secret::NtHash(NtHash::from_bytes(&*hash).map_err(|_| unknown)?),
            package_list: Vec::new(),
        };
        let usage = CredentialUse(credential_use);
        let (handle, expires) = interface().acquire_credentials_handle(&package, usage, Some(&identity))?;
        credential.write(handle.into());
        expiry.write(time_stamp(expires));
        Ok(())
    }

    /// The NT hash of a password.
    fn ntlm_sspi_nt_hash(password: Text<SEC_CHAR>, nt_hash: Out<HashBytes>) {
        nt_hash.required()?;
        let invalid = SecurityStatus::SEC_E_INVALID_PARAMETER;
        let units = password.units(LONGEST_NAME).map_err(|_| invalid)?.ok_or(invalid)?;
        nt_hash.write(*Password::from_units(&units).nt_hash().expose());
        Ok(())
    }

    /// Makes a CHANNEL_BINDINGS buffer of a server's certificate (tls-server-end-point).
    fn ntlm_sspi_channel_bindings_from_certificate(certificate: Bytes, length: usize, buffer: Out<SecBuffer>) {
        buffer.required()?;
        let malformed = SecurityStatus::SEC_E_INVALID_TOKEN;
        let der = certificate.read(length.min(LONGEST_CERTIFICATE + 1)).ok_or(malformed)?;
        let bindings = ChannelBindings::from_certificate(der).map_err(|error| match error {
            CertificateError::Malformed => malformed,
            CertificateError::NoHash => SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION,
        })?;
        give_bindings(&bindings, &buffer)
    }

    /// Makes a CHANNEL_BINDINGS buffer of application data: a prefix, a colon, and the binding.
    fn ntlm_sspi_channel_bindings_from_data(data: Bytes, length: usize, buffer: Out<SecBuffer>) {
        buffer.required()?;
        let malformed = SecurityStatus::SEC_E_INVALID_TOKEN;
        let data = data.read(length.min(LONGEST_CERTIFICATE + 1)).ok_or(malformed)?;
        if data.is_empty() || data.len() > LONGEST_CERTIFICATE {
            return Err(malformed);
        }
        give_bindings(&ChannelBindings::from_application_data(data), &buffer)
    }
}

fn give_bindings(bindings: &ChannelBindings, buffer: &Out<SecBuffer>) -> Answer {
    let bytes = channel_bindings_bytes(bindings).ok_or(SecurityStatus::SEC_E_INTERNAL_ERROR)?;
    let block = Block::of_bytes(&bytes)?;
    buffer.write(SecBuffer {
        cbBuffer: u32::try_from(bytes.len()).map_err(|_| SecurityStatus::SEC_E_INTERNAL_ERROR)?,
        BufferType: BufferType::CHANNEL_BINDINGS.0,
        pvBuffer: block.give(),
    });
    Ok(())
}

/// Why the thread's last failing call failed, in words.
#[unsafe(no_mangle)]
pub extern "C" fn ntlm_sspi_last_error() -> *const c_char {
    guarded(report::last_failure).unwrap_or(c"".as_ptr())
}

/// The version of the library.
#[unsafe(no_mangle)]
pub extern "C" fn ntlm_sspi_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// The name of a status: "SEC_E_LOGON_DENIED"; "" for one that is not known here.
#[unsafe(no_mangle)]
pub extern "C" fn ntlm_sspi_status_name(status: SECURITY_STATUS) -> *const c_char {
    static NAMES: LazyLock<Vec<(i32, CString)>> = LazyLock::new(|| {
        let named = |&(status, name): &(SecurityStatus, &str)| CString::new(name).ok().map(|name| (status.0, name));
        SecurityStatus::TABLE.iter().filter_map(named).collect()
    });
    let found = guarded(|| NAMES.iter().find(|(known, _)| *known == status).map(|(_, name)| name.as_ptr()));
    found.flatten().unwrap_or(c"".as_ptr())
}

/// How many credentials (0), contexts (1) or blocks of memory (2) are live: for tests that look for leaks.
#[unsafe(no_mangle)]
pub extern "C" fn ntlm_sspi_live(kind: u32) -> usize {
    let live = guarded(|| match kind {
        0 => interface().live().0,
        1 => interface().live().1,
        2 => alloc::outstanding(),
        _ => 0,
    });
    live.unwrap_or(0)
}
