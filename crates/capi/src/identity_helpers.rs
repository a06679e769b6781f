//! The Sspi* functions on identities. Identities of ours are EX2 structures, so that pAuthData takes them; they are read in every form.

use std::ffi::c_void;

use ntlm::UnicodeString;
use ntlm_sspi::SecurityStatus;

use crate::alloc::{self, Block};
use crate::frame::{Answer, Out, Parameter as _, export, guarded};
use crate::identity::{ENCRYPTED, Identity, LONGEST_NAME, LONGEST_PASSWORD, MARSHALLED, Parts, Units, give};
use crate::string::{self, Text};
use crate::types::SEC_WCHAR;

const MALFORMED: SecurityStatus = SecurityStatus::SEC_E_INVALID_TOKEN;

fn parts(identity: &Identity) -> Answer<Parts> {
    identity.parts().map_err(|_| MALFORMED)?.ok_or(MALFORMED)
}

fn text(text: &Text<SEC_WCHAR>, longest: u32) -> Answer<Option<Units>> {
    text.units(longest as usize).map_err(|_| MALFORMED)
}

/// Whether two names are the same; an absent one is an empty one.
fn same_name(one: Option<&Units>, other: Option<&Units>) -> bool {
    let name = |units: Option<&Units>| units.map(|units| UnicodeString::from_units(units)).unwrap_or_default();
    name(one).eq_ignore_case(&name(other))
}

fn compare(one: &Identity, other: &Identity) -> Answer<(bool, bool)> {
    let read = |identity: &Identity| identity.parts().map_err(|_| MALFORMED);
    let (Some(one), Some(other)) = (read(one)?, read(other)?) else {
        // NULL stands for the credentials of the process, which are the same only as themselves.
        let same = one.memory() == other.memory();
        return Ok((same, same));
    };
    let user =
        same_name(one.user.as_ref(), other.user.as_ref()) && same_name(one.domain.as_ref(), other.domain.as_ref());
    let empty = Units::default();
    let password = one.password.as_ref().unwrap_or(&empty) == other.password.as_ref().unwrap_or(&empty);
    Ok((user, user && password))
}

/// The host in a service principal name (`class/host:port/name`), or the whole where there is no class.
fn host(target: &[u16]) -> &[u16] {
    let is = |character: char| move |unit: &u16| *unit == character as u16;
    let mut parts = target.split(is('/'));
    let first = parts.next().unwrap_or_default();
    let host = parts.next().unwrap_or(first);
    if let Some(address) = host.strip_prefix(&[u16::from(b'[')]) {
        return address.split(is(']')).next().unwrap_or_default();
    }
    match host.iter().filter(|unit| is(':')(unit)).count() {
        1 => host.split(is(':')).next().unwrap_or_default(),
        // None, or an address of IPv6.
        _ => host,
    }
}

export! {
    /// SspiEncodeStringsAsAuthIdentity. The packed credentials are the password.
    fn SspiEncodeStringsAsAuthIdentity(
        pszUserName: Text<SEC_WCHAR>,
        pszDomainName: Text<SEC_WCHAR>,
        pszPackedCredentialsString: Text<SEC_WCHAR>,
        ppAuthIdentity: Out<*mut c_void>,
    ) {
        let parts = Parts {
            user: text(&pszUserName, LONGEST_NAME)?,
            domain: text(&pszDomainName, LONGEST_NAME)?,
            password: text(&pszPackedCredentialsString, LONGEST_PASSWORD)?,
            ..Parts::default()
        };
        if parts.user.is_none() && parts.domain.is_none() && parts.password.is_none() {
            return Err(MALFORMED);
        }
        give(&parts, &ppAuthIdentity)
    }

    /// SspiEncodeAuthIdentityAsStrings. What is absent comes back as NULL. Nothing comes of an identity that is encrypted: its password would be taken for one.
    fn SspiEncodeAuthIdentityAsStrings(
        pAuthIdentity: Identity,
        ppszUserName: Out<*mut c_void>,
        ppszDomainName: Out<*mut c_void>,
        ppszPackedCredentialsString: Out<*mut c_void>,
    ) {
        let Parts { user, domain, password, flags, .. } = parts(&pAuthIdentity)?;
        readable(flags)?;
        let block = |units: Option<Units>| units.map(|units| string::block::<SEC_WCHAR>(&units)).transpose();
        let (user, domain, password) = (block(user)?, block(domain)?, block(password)?);
        let put = |out: &Out<*mut c_void>, block: Option<Block>| {
            if out.required().is_ok() {
                out.write(block.map_or(std::ptr::null_mut(), Block::give));
            }
        };
        put(&ppszUserName, user);
        put(&ppszDomainName, domain);
        put(&ppszPackedCredentialsString, password);
        Ok(())
    }

    /// SspiCopyAuthIdentity.
    fn SspiCopyAuthIdentity(AuthData: Identity, AuthDataCopy: Out<*mut c_void>) {
        give(&parts(&AuthData)?, &AuthDataCopy)
    }

    /// SspiCompareAuthIdentities.
    fn SspiCompareAuthIdentities(
        AuthIdentity1: Identity,
        AuthIdentity2: Identity,
        SameSuppliedUser: Out<u8>,
        SameSuppliedIdentity: Out<u8>,
    ) {
        let (user, identity) = compare(&AuthIdentity1, &AuthIdentity2)?;
        SameSuppliedUser.write(u8::from(user));
        SameSuppliedIdentity.write(u8::from(identity));
        Ok(())
    }

    /// SspiValidateAuthIdentity.
    fn SspiValidateAuthIdentity(AuthData: Identity) {
        parts(&AuthData).map(drop)
    }

    /// SspiMarshalAuthIdentity.
    fn SspiMarshalAuthIdentity(
        AuthIdentity: Identity,
        AuthIdentityLength: Out<u32>,
        AuthIdentityByteArray: Out<*mut c_void>,
    ) {
        AuthIdentityLength.required()?;
        AuthIdentityByteArray.required()?;
        let block = parts(&AuthIdentity)?.to_ex2(MARSHALLED)?;
        AuthIdentityLength.write(u32::try_from(block.length()).map_err(|_| MALFORMED)?);
        AuthIdentityByteArray.write(block.give());
        Ok(())
    }

    /// SspiUnmarshalAuthIdentity.
    fn SspiUnmarshalAuthIdentity(
        AuthIdentityLength: u32,
        AuthIdentityByteArray: Identity,
        ppAuthIdentity: Out<*mut c_void>,
    ) {
        let parts = AuthIdentityByteArray.marshalled(AuthIdentityLength as usize).map_err(|_| MALFORMED)?;
        give(&parts, &ppAuthIdentity)
    }

    /// SspiEncryptAuthIdentity: not supported, because there is nobody here who could keep the key.
    fn SspiEncryptAuthIdentity(AuthData: Identity) {
        parts(&AuthData)?;
        Err::<(), _>(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION)
    }

    /// SspiEncryptAuthIdentityEx: as SspiEncryptAuthIdentity.
    fn SspiEncryptAuthIdentityEx(_Options: u32, AuthData: Identity) {
        parts(&AuthData)?;
        Err::<(), _>(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION)
    }

    /// SspiDecryptAuthIdentity: nothing to do for identities that are not encrypted.
    fn SspiDecryptAuthIdentity(EncryptedAuthData: Identity) {
        decrypt(&EncryptedAuthData)
    }

    /// SspiDecryptAuthIdentityEx: as SspiDecryptAuthIdentity.
    fn SspiDecryptAuthIdentityEx(_Options: u32, EncryptedAuthData: Identity) {
        decrypt(&EncryptedAuthData)
    }

    /// SspiExcludePackage.
    fn SspiExcludePackage(
        AuthIdentity: Identity,
        pszPackageName: Text<SEC_WCHAR>,
        ppNewAuthIdentity: Out<*mut c_void>,
    ) {
        let name = text(&pszPackageName, LONGEST_NAME)?.filter(|name| !name.is_empty()).ok_or(MALFORMED)?;
        let mut parts = parts(&AuthIdentity)?;
        let mut list = parts.packages.take().unwrap_or_default();
        if !list.is_empty() {
            list.push(u16::from(b','));
        }
        list.push(u16::from(b'!'));
        list.extend_from_slice(&name);
        parts.packages = Some(list);
        give(&parts, &ppNewAuthIdentity)
    }

    /// SspiGetTargetHostName.
    fn SspiGetTargetHostName(pszTargetName: Text<SEC_WCHAR>, pszHostName: Out<*mut c_void>) {
        pszHostName.required()?;
        let target = text(&pszTargetName, LONGEST_NAME)?.ok_or(MALFORMED)?;
        pszHostName.write(string::block::<SEC_WCHAR>(host(&target))?.give());
        Ok(())
    }
}

fn decrypt(identity: &Identity) -> Answer {
    readable(parts(identity)?.flags)
}

/// Fails for the flags of an identity that is encrypted: nobody here has the key.
fn readable(flags: u32) -> Answer {
    if flags & ENCRYPTED == 0 { Ok(()) } else { Err(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION) }
}

/// SspiIsAuthIdentityEncrypted: TRUE for identities that Windows has encrypted.
///
/// # Safety
///
/// `EncryptedAuthData` is NULL or an identity.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SspiIsAuthIdentityEncrypted(EncryptedAuthData: *mut c_void) -> u8 {
    // SAFETY: the caller of the C function vouches for the identity.
    let identity = unsafe { Identity::vouched(EncryptedAuthData) };
    let encrypted = guarded(|| parts(&identity).is_ok_and(|parts| parts.flags & ENCRYPTED != 0));
    u8::from(encrypted.unwrap_or(false))
}

/// SspiZeroAuthIdentity.
///
/// # Safety
///
/// `AuthData` is NULL or an identity.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SspiZeroAuthIdentity(AuthData: *mut c_void) {
    // SAFETY: the caller of the C function vouches for the identity.
    let identity = unsafe { Identity::vouched(AuthData) };
    let _ = guarded(|| identity.zero());
}

/// SspiFreeAuthIdentity. An identity that is not ours is left alone.
///
/// # Safety
///
/// `AuthData` is NULL or an identity.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SspiFreeAuthIdentity(AuthData: *mut c_void) {
    // Wiped as every block is when it is freed.
    let _ = guarded(|| alloc::free(AuthData));
}

/// SspiLocalFree. Memory that is not ours is left alone.
///
/// # Safety
///
/// Nothing is asked of the pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SspiLocalFree(DataBuffer: *mut c_void) {
    let _ = guarded(|| alloc::free(DataBuffer));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_target() {
        for (target, expected) in [
            ("HTTP/web.example.test:8080/EXAMPLE", "web.example.test"),
            ("cifs/server", "server"),
            ("server", "server"),
            ("HTTP/[fe80::1]:80", "fe80::1"),
            ("HTTP/fe80::1", "fe80::1"),
            ("", ""),
            ("HTTP/", ""),
        ] {
            let target: Vec<u16> = target.encode_utf16().collect();
            assert_eq!(String::from_utf16_lossy(host(&target)), expected);
        }
    }
}
