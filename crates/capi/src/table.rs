//! SecurityFunctionTable: all functions in the order of the SDK, in tables that live as long as the process.

use std::ffi::c_void;

use crate::types::{SEC_CHAR, SEC_WCHAR, SECURITY_STATUS, SecBuffer, SecBufferDesc, SecHandle, TimeStamp};
use crate::{attributes as at, context as cx, credentials as cr, message as ms, packages as pk};

/// SECURITY_SUPPORT_PROVIDER_INTERFACE_VERSION.
const VERSION: u32 = 1;

type Any = *mut c_void;
type Handle = *const SecHandle;
type NewHandle = *mut SecHandle;
type Buffers = *mut SecBufferDesc;
type Time = *mut TimeStamp;

macro_rules! tables {
    ($($member:ident($($parameter:ty),*) = $wide:expr, $narrow:expr;)*) => {
        /// SecurityFunctionTableW or SecurityFunctionTableA, by the type of the characters.
        #[repr(C)]
        pub struct SecurityFunctionTable<C: 'static> {
            /// 1, as Windows says although every member is there.
            pub dwVersion: u32,
            $(
                #[doc = concat!("`", stringify!($member), "`.")]
                pub $member: Option<unsafe extern "C" fn($($parameter),*) -> SECURITY_STATUS>,
            )*
            characters: std::marker::PhantomData<C>,
        }

        static TABLE_W: SecurityFunctionTable<SEC_WCHAR> =
            SecurityFunctionTable { dwVersion: VERSION, $($member: $wide,)* characters: std::marker::PhantomData };

        static TABLE_A: SecurityFunctionTable<SEC_CHAR> =
            SecurityFunctionTable { dwVersion: VERSION, $($member: $narrow,)* characters: std::marker::PhantomData };
    };
}

tables! {
    EnumerateSecurityPackages(*mut u32, *mut Any) =
        Some(pk::EnumerateSecurityPackagesW), Some(pk::EnumerateSecurityPackagesA);
    QueryCredentialsAttributes(Handle, u32, *mut Any) =
        Some(cr::QueryCredentialsAttributesW), Some(cr::QueryCredentialsAttributesA);
    AcquireCredentialsHandle(Any, *const C, u32, Any, Any, Any, Any, NewHandle, Time) =
        Some(cr::AcquireCredentialsHandleW), Some(cr::AcquireCredentialsHandleA);
    FreeCredentialsHandle(Handle) =
        Some(cr::FreeCredentialsHandle), Some(cr::FreeCredentialsHandle);
    Reserved2() = None, None;
    InitializeSecurityContext(
        Handle, Handle, *const C, u32, u32, u32, Buffers, u32, NewHandle, Buffers, *mut u32, Time
    ) = Some(cx::InitializeSecurityContextW), Some(cx::InitializeSecurityContextA);
    AcceptSecurityContext(Handle, Handle, Buffers, u32, u32, NewHandle, Buffers, *mut u32, Time) =
        Some(cx::AcceptSecurityContext), Some(cx::AcceptSecurityContext);
    CompleteAuthToken(Handle, Any) = Some(cx::CompleteAuthToken), Some(cx::CompleteAuthToken);
    DeleteSecurityContext(Handle) = Some(cx::DeleteSecurityContext), Some(cx::DeleteSecurityContext);
    ApplyControlToken(Handle, Any) = Some(cx::ApplyControlToken), Some(cx::ApplyControlToken);
    QueryContextAttributes(Handle, u32, Any) =
        Some(at::QueryContextAttributesW), Some(at::QueryContextAttributesA);
    ImpersonateSecurityContext(Handle) =
        Some(cx::ImpersonateSecurityContext), Some(cx::ImpersonateSecurityContext);
    RevertSecurityContext(Handle) = Some(cx::RevertSecurityContext), Some(cx::RevertSecurityContext);
    MakeSignature(Handle, u32, Buffers, u32) = Some(ms::MakeSignature), Some(ms::MakeSignature);
    VerifySignature(Handle, Buffers, u32, *mut u32) = Some(ms::VerifySignature), Some(ms::VerifySignature);
    FreeContextBuffer(*const c_void) = Some(pk::FreeContextBuffer), Some(pk::FreeContextBuffer);
    QuerySecurityPackageInfo(*const C, *mut Any) =
        Some(pk::QuerySecurityPackageInfoW), Some(pk::QuerySecurityPackageInfoA);
    // The places of SealMessage and UnsealMessage, under which old programs still look.
    Reserved3(Handle, u32, Buffers, u32) = Some(ms::EncryptMessage), Some(ms::EncryptMessage);
    Reserved4(Handle, Buffers, u32, *mut u32) = Some(ms::DecryptMessage), Some(ms::DecryptMessage);
    ExportSecurityContext(Handle, u32, *mut SecBuffer, Any) =
        Some(cx::ExportSecurityContext), Some(cx::ExportSecurityContext);
    ImportSecurityContext(*const C, *mut SecBuffer, Any, NewHandle) =
        Some(cx::ImportSecurityContextW), Some(cx::ImportSecurityContextA);
    AddCredentials(Handle, Any, Any, u32, Any, Any, Any, Any) =
        Some(cr::AddCredentialsW), Some(cr::AddCredentialsA);
    Reserved8() = None, None;
    QuerySecurityContextToken(Handle, Any) =
        Some(cx::QuerySecurityContextToken), Some(cx::QuerySecurityContextToken);
    EncryptMessage(Handle, u32, Buffers, u32) = Some(ms::EncryptMessage), Some(ms::EncryptMessage);
    DecryptMessage(Handle, Buffers, u32, *mut u32) = Some(ms::DecryptMessage), Some(ms::DecryptMessage);
    SetContextAttributes(Handle, u32, Any, u32) =
        Some(at::SetContextAttributesW), Some(at::SetContextAttributesA);
    SetCredentialsAttributes(Handle, u32, Any, u32) =
        Some(cr::SetCredentialsAttributesW), Some(cr::SetCredentialsAttributesA);
    ChangeAccountPassword(*const C, Any, Any, Any, Any, u8, u32, Any) =
        Some(cr::ChangeAccountPasswordW), Some(cr::ChangeAccountPasswordA);
    QueryContextAttributesEx(Handle, u32, Any, u32) =
        Some(at::QueryContextAttributesExW), Some(at::QueryContextAttributesExA);
    QueryCredentialsAttributesEx(Handle, u32, *mut Any, u32) =
        Some(cr::QueryCredentialsAttributesExW), Some(cr::QueryCredentialsAttributesExA);
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<SecurityFunctionTable<SEC_WCHAR>>() == 256);

/// The table of the W functions; never NULL, and the same at every call.
#[unsafe(no_mangle)]
pub extern "C" fn InitSecurityInterfaceW() -> *const SecurityFunctionTable<SEC_WCHAR> {
    &raw const TABLE_W
}

/// The table of the A functions.
#[unsafe(no_mangle)]
pub extern "C" fn InitSecurityInterfaceA() -> *const SecurityFunctionTable<SEC_CHAR> {
    &raw const TABLE_A
}

/// InitSecurityInterfaceW as WinPR calls it: whatever the flags.
#[unsafe(no_mangle)]
pub extern "C" fn InitSecurityInterfaceExW(_flags: u32) -> *const SecurityFunctionTable<SEC_WCHAR> {
    InitSecurityInterfaceW()
}

/// InitSecurityInterfaceA as WinPR calls it: whatever the flags.
#[unsafe(no_mangle)]
pub extern "C" fn InitSecurityInterfaceExA(_flags: u32) -> *const SecurityFunctionTable<SEC_CHAR> {
    InitSecurityInterfaceA()
}
