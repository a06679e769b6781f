//! What the packages say about themselves: the values that Windows reports.

/// SecPkgInfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackageInfo {
    /// fCapabilities, SECPKG_FLAG_*.
    pub capabilities: u32,
    /// wVersion.
    pub version: u16,
    /// wRPCID.
    pub rpc_id: u16,
    /// cbMaxToken in bytes: what a caller's buffer should have. Tokens with very long names are longer.
    pub max_token: u32,
    /// Name; looked up without regard to case.
    pub name: &'static str,
    /// Comment.
    pub comment: &'static str,
}

/// cbMaxSignature and cbSecurityTrailer, in bytes.
pub const SIGNATURE_LENGTH: u32 = 16;

/// INTEGRITY, PRIVACY, TOKEN_ONLY, CONNECTION, MULTI_REQUIRED, IMPERSONATION, ACCEPT_WIN32_NAME, NEGOTIABLE, LOGON, RESTRICTED_TOKENS.
///
/// IMPERSONATION is there because ported programs compare the value; the functions that would impersonate do not.
const CAPABILITIES: u32 = 0x0008_2b37;

/// The package "NTLM".
pub const NTLM: PackageInfo = PackageInfo {
    capabilities: CAPABILITIES,
    version: 1,
    rpc_id: 10,
    max_token: 2888,
    name: "NTLM",
    comment: "NTLM Security Package",
};

/// The package "Negotiate", in the form in which NTLM is its only mechanism.
pub const NEGOTIATE: PackageInfo = PackageInfo {
    capabilities: CAPABILITIES,
    version: 1,
    rpc_id: 9,
    max_token: 2888,
    name: "Negotiate",
    comment: "Microsoft Package Negotiator",
};
