//! The names of the table and their numbers, as the sheet has them; on purpose not taken from the crate under test.

/// Names and numbers.
pub(crate) type Names = &'static [(&'static str, u32)];

pub(crate) const STATUS: Names = &[
    ("SEC_E_OK", 0),
    ("SEC_I_CONTINUE_NEEDED", 0x0009_0312),
    ("SEC_I_COMPLETE_NEEDED", 0x0009_0313),
    ("SEC_I_COMPLETE_AND_CONTINUE", 0x0009_0314),
    ("SEC_E_INSUFFICIENT_MEMORY", 0x8009_0300),
    ("SEC_E_INVALID_HANDLE", 0x8009_0301),
    ("SEC_E_UNSUPPORTED_FUNCTION", 0x8009_0302),
    ("SEC_E_TARGET_UNKNOWN", 0x8009_0303),
    ("SEC_E_INTERNAL_ERROR", 0x8009_0304),
    ("SEC_E_SECPKG_NOT_FOUND", 0x8009_0305),
    ("SEC_E_INVALID_TOKEN", 0x8009_0308),
    ("SEC_E_NO_IMPERSONATION", 0x8009_030b),
    ("SEC_E_LOGON_DENIED", 0x8009_030c),
    ("SEC_E_UNKNOWN_CREDENTIALS", 0x8009_030d),
    ("SEC_E_NO_CREDENTIALS", 0x8009_030e),
    ("SEC_E_MESSAGE_ALTERED", 0x8009_030f),
    ("SEC_E_OUT_OF_SEQUENCE", 0x8009_0310),
    ("SEC_E_NO_AUTHENTICATING_AUTHORITY", 0x8009_0311),
    ("SEC_E_INCOMPLETE_MESSAGE", 0x8009_0318),
    ("SEC_E_BUFFER_TOO_SMALL", 0x8009_0321),
    ("SEC_E_WRONG_PRINCIPAL", 0x8009_0322),
    ("SEC_E_BAD_BINDINGS", 0x8009_0346),
];

pub(crate) const ISC_REQ: Names = &[
    ("DELEGATE", 0x1),
    ("MUTUAL_AUTH", 0x2),
    ("REPLAY_DETECT", 0x4),
    ("SEQUENCE_DETECT", 0x8),
    ("CONFIDENTIALITY", 0x10),
    ("USE_SESSION_KEY", 0x20),
    ("PROMPT_FOR_CREDS", 0x40),
    ("USE_SUPPLIED_CREDS", 0x80),
    ("ALLOCATE_MEMORY", 0x100),
    ("USE_DCE_STYLE", 0x200),
    ("DATAGRAM", 0x400),
    ("CONNECTION", 0x800),
    ("EXTENDED_ERROR", 0x4000),
    ("STREAM", 0x8000),
    ("INTEGRITY", 0x1_0000),
    ("IDENTIFY", 0x2_0000),
    ("NULL_SESSION", 0x4_0000),
    ("NO_INTEGRITY", 0x80_0000),
    ("UNVERIFIED_TARGET_NAME", 0x2000_0000),
];

pub(crate) const ISC_RET: Names = &[
    ("DELEGATE", 0x1),
    ("MUTUAL_AUTH", 0x2),
    ("REPLAY_DETECT", 0x4),
    ("SEQUENCE_DETECT", 0x8),
    ("CONFIDENTIALITY", 0x10),
    ("USE_SESSION_KEY", 0x20),
    ("USED_SUPPLIED_CREDS", 0x80),
    ("ALLOCATED_MEMORY", 0x100),
    ("USED_DCE_STYLE", 0x200),
    ("DATAGRAM", 0x400),
    ("CONNECTION", 0x800),
    ("EXTENDED_ERROR", 0x4000),
    ("STREAM", 0x8000),
    ("INTEGRITY", 0x1_0000),
    ("IDENTIFY", 0x2_0000),
    ("NULL_SESSION", 0x4_0000),
];

pub(crate) const ASC_REQ: Names = &[
    ("DELEGATE", 0x1),
    ("MUTUAL_AUTH", 0x2),
    ("REPLAY_DETECT", 0x4),
    ("SEQUENCE_DETECT", 0x8),
    ("CONFIDENTIALITY", 0x10),
    ("USE_SESSION_KEY", 0x20),
    ("ALLOCATE_MEMORY", 0x100),
    ("USE_DCE_STYLE", 0x200),
    ("DATAGRAM", 0x400),
    ("CONNECTION", 0x800),
    ("EXTENDED_ERROR", 0x8000),
    ("STREAM", 0x1_0000),
    ("INTEGRITY", 0x2_0000),
    ("IDENTIFY", 0x8_0000),
    ("ALLOW_NULL_SESSION", 0x10_0000),
    ("ALLOW_MISSING_BINDINGS", 0x1000_0000),
];

pub(crate) const ASC_RET: Names = &[
    ("DELEGATE", 0x1),
    ("MUTUAL_AUTH", 0x2),
    ("REPLAY_DETECT", 0x4),
    ("SEQUENCE_DETECT", 0x8),
    ("CONFIDENTIALITY", 0x10),
    ("USE_SESSION_KEY", 0x20),
    ("ALLOCATED_MEMORY", 0x100),
    ("USED_DCE_STYLE", 0x200),
    ("DATAGRAM", 0x400),
    ("CONNECTION", 0x800),
    ("EXTENDED_ERROR", 0x8000),
    ("STREAM", 0x1_0000),
    ("INTEGRITY", 0x2_0000),
    ("IDENTIFY", 0x8_0000),
    ("NULL_SESSION", 0x10_0000),
];

pub(crate) const CRED_USE: Names =
    &[("INBOUND", 1), ("OUTBOUND", 2), ("DEFAULT", 4), ("AUTOLOGON_RESTRICTED", 0x10), ("PROCESS_POLICY_ONLY", 0x20)];

pub(crate) const CRED_ATTRIBUTE: Names =
    &[("NAMES", 1), ("SSI_PROVIDER", 2), ("KDC_PROXY_SETTINGS", 3), ("CERT", 4), ("PAC_BYPASS", 5)];

pub(crate) const ATTRIBUTE: Names = &[
    ("SIZES", 0),
    ("NAMES", 1),
    ("LIFESPAN", 2),
    ("DCE_INFO", 3),
    ("STREAM_SIZES", 4),
    ("KEY_INFO", 5),
    ("AUTHORITY", 6),
    ("PROTO_INFO", 7),
    ("PASSWORD_EXPIRY", 8),
    ("SESSION_KEY", 9),
    ("PACKAGE_INFO", 10),
    ("USER_FLAGS", 11),
    ("NEGOTIATION_INFO", 12),
    ("NATIVE_NAMES", 13),
    ("FLAGS", 14),
    ("TARGET_INFORMATION", 17),
    ("ACCESS_TOKEN", 18),
    ("UNIQUE_BINDINGS", 25),
    ("ENDPOINT_BINDINGS", 26),
    ("CLIENT_SPECIFIED_TARGET", 27),
    ("LAST_CLIENT_TOKEN_STATUS", 30),
    ("ROOT_STORE", 0x55),
    ("CREDS_2", 0x8000_0086),
];

pub(crate) const BUFFER: Names = &[
    ("EMPTY", 0),
    ("DATA", 1),
    ("TOKEN", 2),
    ("PKG_PARAMS", 3),
    ("EXTRA", 5),
    ("STREAM_TRAILER", 6),
    ("STREAM_HEADER", 7),
    ("PADDING", 9),
    ("STREAM", 10),
    ("CHANNEL_BINDINGS", 14),
    ("READONLY", 0x8000_0000),
    ("READONLY_WITH_CHECKSUM", 0x1000_0000),
];

pub(crate) const QOP: Names = &[("WRAP_NO_ENCRYPT", 0x8000_0001), ("WRAP_OOB_DATA", 0x4000_0000)];

pub(crate) const EXPORT: Names = &[("RESET_NEW", 1), ("DELETE_OLD", 2), ("TO_KERNEL", 4)];

/// NegotiateFlags (MS-NLMP 2.2.2.5) without NTLMSSP_NEGOTIATE_.
pub(crate) const NEGOTIATE: Names = &[
    ("UNICODE", 0x1),
    ("OEM", 0x2),
    ("SIGN", 0x10),
    ("SEAL", 0x20),
    ("DATAGRAM", 0x40),
    ("ANONYMOUS", 0x800),
    ("ALWAYS_SIGN", 0x8000),
    ("EXTENDED_SESSIONSECURITY", 0x8_0000),
    ("IDENTIFY", 0x10_0000),
    ("TARGET_INFO", 0x80_0000),
    ("128", 0x2000_0000),
    ("KEY_EXCH", 0x4000_0000),
    ("56", 0x8000_0000),
];

/// The number of a name, or of `0x...`.
pub(crate) fn number(names: Names, name: &str) -> u32 {
    if let Some(hex) = name.strip_prefix("0x") {
        return u32::from_str_radix(hex, 16).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    names.iter().find(|row| row.0 == name).map_or_else(|| panic!("{name} is no word of the table"), |row| row.1)
}

/// The number of all names.
pub(crate) fn numbers<T: AsRef<str>>(table: Names, names: impl IntoIterator<Item = T>) -> u32 {
    names.into_iter().fold(0, |bits, name| bits | number(table, name.as_ref()))
}
