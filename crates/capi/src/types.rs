//! The structures of `sspi.h` as they lie in memory, with the widths of this ABI: `unsigned long` of Windows is 32 bits, SEC_WCHAR 16.
//!
//! Structures whose A and W forms differ in the type of their strings alone stand here once; their strings are plain pointers.

use std::ffi::c_void;

/// SECURITY_STATUS: success is not negative.
pub type SECURITY_STATUS = i32;

/// SEC_WCHAR: a unit of UTF-16.
pub type SEC_WCHAR = u16;

/// SEC_CHAR: a byte of UTF-8.
pub type SEC_CHAR = std::ffi::c_char;

/// TimeStamp: a FILETIME in local time. Callers may align it to 4 bytes only, so it is never accessed as aligned.
pub type TimeStamp = i64;

/// Types of which all bytes are a value: integers, plain pointers, and structures of them.
///
/// # Safety
///
/// Every pattern of bits is a value of the type.
pub unsafe trait Plain: Copy + 'static {}

macro_rules! plain {
    ($($type:ty),* $(,)?) => { $(
        // SAFETY: integers and pointers have no invalid patterns of bits, and the structures here are made of them.
        unsafe impl Plain for $type {}
    )* };
}

plain!(u8, i8, u16, u32, i32, i64, usize, *mut c_void, *const c_void);

macro_rules! structures {
    ($($(#[$doc:meta])* $name:ident, $size:literal { $($field:ident: $type:ty = $offset:literal,)* })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        #[repr(C)]
        pub struct $name {
            $(#[doc = concat!("`", stringify!($field), "`.")] pub $field: $type,)*
        }

        plain!($name);

        // The layout of Win64, which LP64 shares.
        #[cfg(target_pointer_width = "64")]
        const _: () = {
            assert!(size_of::<$name>() == $size);
            $(assert!(std::mem::offset_of!($name, $field) == $offset);)*
        };
    )* };
}

structures! {
    /// SecHandle: CredHandle and CtxtHandle.
    SecHandle, 16 { dwLower: usize = 0, dwUpper: usize = 8, }

    /// SecPkgInfoA/W.
    SecPkgInfo, 32 {
        fCapabilities: u32 = 0,
        wVersion: u16 = 4,
        wRPCID: u16 = 6,
        cbMaxToken: u32 = 8,
        Name: *mut c_void = 16,
        Comment: *mut c_void = 24,
    }

    /// SecBuffer.
    SecBuffer, 16 { cbBuffer: u32 = 0, BufferType: u32 = 4, pvBuffer: *mut c_void = 8, }

    /// SecBufferDesc.
    SecBufferDesc, 16 { ulVersion: u32 = 0, cBuffers: u32 = 4, pBuffers: *mut c_void = 8, }

    /// SEC_CHANNEL_BINDINGS.
    SEC_CHANNEL_BINDINGS, 32 {
        dwInitiatorAddrType: u32 = 0,
        cbInitiatorLength: u32 = 4,
        dwInitiatorOffset: u32 = 8,
        dwAcceptorAddrType: u32 = 12,
        cbAcceptorLength: u32 = 16,
        dwAcceptorOffset: u32 = 20,
        cbApplicationDataLength: u32 = 24,
        dwApplicationDataOffset: u32 = 28,
    }

    /// SEC_WINNT_AUTH_IDENTITY_A/W.
    SEC_WINNT_AUTH_IDENTITY, 48 {
        User: *mut c_void = 0,
        UserLength: u32 = 8,
        Domain: *mut c_void = 16,
        DomainLength: u32 = 24,
        Password: *mut c_void = 32,
        PasswordLength: u32 = 40,
        Flags: u32 = 44,
    }

    /// SEC_WINNT_AUTH_IDENTITY_EXA/EXW.
    SEC_WINNT_AUTH_IDENTITY_EX, 72 {
        Version: u32 = 0,
        Length: u32 = 4,
        User: *mut c_void = 8,
        UserLength: u32 = 16,
        Domain: *mut c_void = 24,
        DomainLength: u32 = 32,
        Password: *mut c_void = 40,
        PasswordLength: u32 = 48,
        Flags: u32 = 52,
        PackageList: *mut c_void = 56,
        PackageListLength: u32 = 64,
    }

    /// SEC_WINNT_AUTH_IDENTITY_EX2: everything behind one header, by offsets.
    SEC_WINNT_AUTH_IDENTITY_EX2, 48 {
        Version: u32 = 0,
        cbHeaderLength: u16 = 4,
        cbStructureLength: u32 = 8,
        UserOffset: u32 = 12,
        UserLength: u16 = 16,
        DomainOffset: u32 = 20,
        DomainLength: u16 = 24,
        PackedCredentialsOffset: u32 = 28,
        PackedCredentialsLength: u16 = 32,
        Flags: u32 = 36,
        PackageListOffset: u32 = 40,
        PackageListLength: u16 = 44,
    }

    /// SecPkgContext_Sizes.
    SecPkgContext_Sizes, 16 {
        cbMaxToken: u32 = 0,
        cbMaxSignature: u32 = 4,
        cbBlockSize: u32 = 8,
        cbSecurityTrailer: u32 = 12,
    }

    /// SecPkgContext_Lifespan.
    SecPkgContext_Lifespan, 16 { tsStart: TimeStamp = 0, tsExpiry: TimeStamp = 8, }

    /// SecPkgContext_DceInfo.
    SecPkgContext_DceInfo, 16 { AuthzSvc: u32 = 0, pPac: *mut c_void = 8, }

    /// SecPkgContext_KeyInfoA/W.
    SecPkgContext_KeyInfo, 32 {
        sSignatureAlgorithmName: *mut c_void = 0,
        sEncryptAlgorithmName: *mut c_void = 8,
        KeySize: u32 = 16,
        SignatureAlgorithm: u32 = 20,
        EncryptAlgorithm: u32 = 24,
    }

    /// SecPkgContext_SessionKey, SecPkgContext_TargetInformation and their like: a length and the bytes.
    Counted, 16 { Length: u32 = 0, Data: *mut c_void = 8, }

    /// SecPkgContext_NegotiationInfoA/W.
    SecPkgContext_NegotiationInfo, 16 { PackageInfo: *mut c_void = 0, NegotiationState: u32 = 8, }

    /// SecPkgContext_NativeNamesA/W.
    SecPkgContext_NativeNames, 16 { sClientName: *mut c_void = 0, sServerName: *mut c_void = 8, }
}

impl From<SecHandle> for ntlm_sspi::SecHandle {
    fn from(handle: SecHandle) -> Self {
        Self { lower: handle.dwLower, upper: handle.dwUpper }
    }
}

impl From<ntlm_sspi::SecHandle> for SecHandle {
    fn from(handle: ntlm_sspi::SecHandle) -> Self {
        Self { dwLower: handle.lower, dwUpper: handle.upper }
    }
}
