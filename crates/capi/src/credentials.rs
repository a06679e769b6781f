//! Credentials: AcquireCredentialsHandle and what goes with it.

use std::ffi::c_void;

use ntlm_sspi::{CredentialUse, SecurityStatus};

use crate::frame::{Answer, Ignored, In, Out, export};
use crate::identity::Identity;
use crate::settings::interface;
use crate::string::{self, Character, Text};
use crate::types::{SEC_CHAR, SEC_WCHAR, SecHandle, TimeStamp};

/// The time as callers get it.
pub(crate) fn time_stamp(time: ntlm::FileTime) -> TimeStamp {
    time.0.cast_signed()
}

fn acquire<C: Character>(
    package: &Text<C>,
    usage: u32,
    identity: &Identity,
    credential: &Out<SecHandle>,
    expiry: &Out<TimeStamp>,
) -> Answer {
    credential.required_handle()?;
    let package = package.package()?;
    // An unknown package is told before what is wrong with the identity.
    interface().query_security_package_info(&package)?;
    let identity = identity.read()?;
    let usage = CredentialUse(usage);
    let (handle, expires) = interface().acquire_credentials_handle(&package, usage, identity.as_ref())?;
    credential.write(handle.into());
    expiry.write(time_stamp(expires));
    Ok(())
}

fn query<C: Character>(
    credential: &In<SecHandle>,
    attribute: u32,
    room: Option<u32>,
    out: &Out<*mut c_void>,
) -> Answer {
    let name = interface().query_credentials_attributes(credential.handle()?, attribute)?;
    out.required()?;
    if room.is_some_and(|room| (room as usize) < size_of::<*mut c_void>()) {
        return Err(SecurityStatus::SEC_E_BUFFER_TOO_SMALL);
    }
    out.write(string::block::<C>(name.units())?.give());
    Ok(())
}

fn unsupported(credential: &In<SecHandle>) -> Answer {
    interface().unsupported_on_credential(credential.handle()?)
}

export! {
    /// AcquireCredentialsHandleW.
    fn AcquireCredentialsHandleW(
        _pszPrincipal: Ignored,
        pszPackage: Text<SEC_WCHAR>,
        fCredentialUse: u32,
        _pvLogonID: Ignored,
        pAuthData: Identity,
        _pGetKeyFn: Ignored,
        _pvGetKeyArgument: Ignored,
        phCredential: Out<SecHandle>,
        ptsExpiry: Out<TimeStamp>,
    ) {
        acquire(&pszPackage, fCredentialUse, &pAuthData, &phCredential, &ptsExpiry)
    }

    /// AcquireCredentialsHandleA.
    fn AcquireCredentialsHandleA(
        _pszPrincipal: Ignored,
        pszPackage: Text<SEC_CHAR>,
        fCredentialUse: u32,
        _pvLogonID: Ignored,
        pAuthData: Identity,
        _pGetKeyFn: Ignored,
        _pvGetKeyArgument: Ignored,
        phCredential: Out<SecHandle>,
        ptsExpiry: Out<TimeStamp>,
    ) {
        acquire(&pszPackage, fCredentialUse, &pAuthData, &phCredential, &ptsExpiry)
    }

    /// FreeCredentialsHandle.
    fn FreeCredentialsHandle(phCredential: In<SecHandle>) {
        interface().free_credentials_handle(phCredential.handle()?)
    }

    /// QueryCredentialsAttributesW.
    fn QueryCredentialsAttributesW(phCredential: In<SecHandle>, ulAttribute: u32, pBuffer: Out<*mut c_void>) {
        query::<SEC_WCHAR>(&phCredential, ulAttribute, None, &pBuffer)
    }

    /// QueryCredentialsAttributesA.
    fn QueryCredentialsAttributesA(phCredential: In<SecHandle>, ulAttribute: u32, pBuffer: Out<*mut c_void>) {
        query::<SEC_CHAR>(&phCredential, ulAttribute, None, &pBuffer)
    }

    /// QueryCredentialsAttributesExW.
    fn QueryCredentialsAttributesExW(
        phCredential: In<SecHandle>,
        ulAttribute: u32,
        pBuffer: Out<*mut c_void>,
        cbBuffer: u32,
    ) {
        query::<SEC_WCHAR>(&phCredential, ulAttribute, Some(cbBuffer), &pBuffer)
    }

    /// QueryCredentialsAttributesExA.
    fn QueryCredentialsAttributesExA(
        phCredential: In<SecHandle>,
        ulAttribute: u32,
        pBuffer: Out<*mut c_void>,
        cbBuffer: u32,
    ) {
        query::<SEC_CHAR>(&phCredential, ulAttribute, Some(cbBuffer), &pBuffer)
    }

    /// SetCredentialsAttributesW: not supported.
    fn SetCredentialsAttributesW(phCredential: In<SecHandle>, _ulAttribute: u32, _pBuffer: Ignored, _cbBuffer: u32) {
        unsupported(&phCredential)
    }

    /// SetCredentialsAttributesA: not supported.
    fn SetCredentialsAttributesA(phCredential: In<SecHandle>, _ulAttribute: u32, _pBuffer: Ignored, _cbBuffer: u32) {
        unsupported(&phCredential)
    }

    /// AddCredentialsW: not supported.
    fn AddCredentialsW(
        hCredentials: In<SecHandle>,
        _pszPrincipal: Ignored,
        _pszPackage: Ignored,
        _fCredentialUse: u32,
        _pAuthData: Ignored,
        _pGetKeyFn: Ignored,
        _pvGetKeyArgument: Ignored,
        _ptsExpiry: Ignored,
    ) {
        unsupported(&hCredentials)
    }

    /// AddCredentialsA: not supported.
    fn AddCredentialsA(
        hCredentials: In<SecHandle>,
        _pszPrincipal: Ignored,
        _pszPackage: Ignored,
        _fCredentialUse: u32,
        _pAuthData: Ignored,
        _pGetKeyFn: Ignored,
        _pvGetKeyArgument: Ignored,
        _ptsExpiry: Ignored,
    ) {
        unsupported(&hCredentials)
    }

    /// ChangeAccountPasswordW: not supported, because no store of accounts here is writable.
    fn ChangeAccountPasswordW(
        pszPackageName: Text<SEC_WCHAR>,
        _pszDomainName: Ignored,
        _pszAccountName: Ignored,
        _pszOldPassword: Ignored,
        _pszNewPassword: Ignored,
        _bImpersonating: u8,
        _dwReserved: u32,
        _pOutput: Ignored,
    ) {
        change_password(&pszPackageName)
    }

    /// ChangeAccountPasswordA: as ChangeAccountPasswordW.
    fn ChangeAccountPasswordA(
        pszPackageName: Text<SEC_CHAR>,
        _pszDomainName: Ignored,
        _pszAccountName: Ignored,
        _pszOldPassword: Ignored,
        _pszNewPassword: Ignored,
        _bImpersonating: u8,
        _dwReserved: u32,
        _pOutput: Ignored,
    ) {
        change_password(&pszPackageName)
    }
}

fn change_password<C: Character>(package: &Text<C>) -> Answer {
    interface().query_security_package_info(&package.package()?)?;
    Err(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION)
}
