//! Context attributes: SECPKG_ATTR_*, and what each of them answers with.

use ntlm::{FileTime, UnicodeString};

use crate::tables::package_info::PackageInfo;

/// SECPKG_ATTR_*. An open set: an attribute that is not known here is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttributeId(pub u32);

macro_rules! attributes {
    ($($name:ident = $value:literal, $needs:ident;)*) => {
        impl AttributeId {
            $(
                #[doc = concat!("`SECPKG_ATTR_", stringify!($name), "`.")]
                pub const $name: Self = Self($value);
            )*

            /// Every attribute that is answered, with its name and what it needs.
            pub const TABLE: &'static [(Self, &'static str, Needs)] = &[
                $((Self::$name, stringify!($name), Needs::$needs),)*
            ];
        }
    };
}

/// What an attribute needs of its context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Any context, also one that is not established yet.
    AnyContext,
    /// A client's context, established or not.
    Client,
    /// An established context.
    Established,
}

attributes! {
    SIZES = 0, AnyContext;
    NAMES = 1, Established;
    LIFESPAN = 2, Established;
    DCE_INFO = 3, Established;
    KEY_INFO = 5, Established;
    AUTHORITY = 6, Established;
    PASSWORD_EXPIRY = 8, Established;
    SESSION_KEY = 9, Established;
    PACKAGE_INFO = 10, AnyContext;
    NEGOTIATION_INFO = 12, Established;
    NATIVE_NAMES = 13, Established;
    FLAGS = 14, Established;
    TARGET_INFORMATION = 17, Established;
    CLIENT_SPECIFIED_TARGET = 27, Established;
    LAST_CLIENT_TOKEN_STATUS = 30, Client;
}

impl AttributeId {
    /// What the attribute needs of its context; `None` when it is not supported.
    #[must_use]
    pub fn needs(self) -> Option<Needs> {
        Self::TABLE.iter().find(|(id, ..)| *id == self).map(|(.., needs)| *needs)
    }
}

/// SecPkgContext_LastClientTokenStatus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum LastClientTokenStatus {
    /// The token that was made last is the client's last.
    Yes = 0,
    /// More will follow.
    No = 1,
    /// It cannot be told.
    Maybe = 2,
}

/// The value of an attribute, as a value: the C library lays it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// SecPkgContext_Sizes.
    Sizes {
        /// cbMaxToken.
        max_token: u32,
        /// cbMaxSignature.
        max_signature: u32,
        /// cbBlockSize.
        block_size: u32,
        /// cbSecurityTrailer.
        security_trailer: u32,
    },
    /// SecPkgContext_Names: the authenticated client, on the server as the authority calls the account, where it does.
    Names(UnicodeString),
    /// SecPkgContext_Lifespan, in local time.
    Lifespan {
        /// tsStart.
        start: FileTime,
        /// tsExpiry.
        expiry: FileTime,
    },
    /// SecPkgContext_DceInfo.
    DceInfo {
        /// AuthzSvc.
        authorization_service: u32,
        /// pPac: the client's name.
        name: UnicodeString,
    },
    /// SecPkgContext_KeyInfo.
    KeyInfo {
        /// sSignatureAlgorithmName.
        signature_algorithm_name: &'static str,
        /// sEncryptAlgorithmName.
        encrypt_algorithm_name: &'static str,
        /// KeySize in bits.
        key_size: u32,
        /// SignatureAlgorithm.
        signature_algorithm: u32,
        /// EncryptAlgorithm.
        encrypt_algorithm: u32,
    },
    /// SecPkgContext_Authority: the domain that authenticated.
    Authority(UnicodeString),
    /// SecPkgContext_PasswordExpiry, in local time.
    PasswordExpiry(FileTime),
    /// SecPkgContext_SessionKey.
    SessionKey(SessionKey),
    /// SecPkgContext_PackageInfo.
    PackageInfo(PackageInfo),
    /// SecPkgContext_NegotiationInfo.
    NegotiationInfo {
        /// PackageInfo.
        package: PackageInfo,
        /// NegotiationState: 0, complete.
        state: u32,
    },
    /// SecPkgContext_NativeNames.
    NativeNames {
        /// sClientName.
        client: UnicodeString,
        /// sServerName.
        server: UnicodeString,
    },
    /// SecPkgContext_Flags: the attributes of the context, ISC_RET on the client and ASC_RET on the server.
    Flags(u32),
    /// SecPkgContext_TargetInformation: the AV pairs of the challenge.
    TargetInformation(Vec<u8>),
    /// SecPkgContext_ClientSpecifiedTarget: the SPN that the client sent.
    ClientSpecifiedTarget(UnicodeString),
    /// SecPkgContext_LastClientTokenStatus.
    LastClientTokenStatus(LastClientTokenStatus),
}

/// The session key of a context; wiped when dropped, not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey(pub zeroize::Zeroizing<[u8; 16]>);

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

/// SECPKG_CRED_ATTR_NAMES, the one credentials attribute that NTLM answers.
pub const SECPKG_CRED_ATTR_NAMES: u32 = 1;
