//! NEGOTIATE flags (MS-NLMP 2.2.2.5): one row per bit.

use core::fmt;
use core::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Not};

/// NegotiateFlags of a message. An open set: bits without a name are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NegotiateFlags(pub u32);

/// A named bit: what walks over [`NegotiateFlags::TABLE`] gets to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagRow {
    /// The bit.
    pub flag: NegotiateFlags,
    /// The letter of the bit in MS-NLMP 2.2.2.5 (`A` .. `W`, `r1` .. `r10`).
    pub letter: &'static str,
    /// The full name in MS-NLMP.
    pub name: &'static str,
}

macro_rules! flags {
    ($($name:ident = $value:literal, $letter:literal, $spec:literal, $doc:literal;)*) => {
        impl NegotiateFlags {
            $(
                #[doc = concat!("`", $spec, "` (", $letter, "): ", $doc)]
                pub const $name: Self = Self($value);
            )*

            /// All 32 bits, lowest first, with their names.
            pub const TABLE: &'static [FlagRow] = &[
                $(FlagRow { flag: Self::$name, letter: $letter, name: $spec },)*
            ];
        }
    };
}

flags! {
    UNICODE = 0x0000_0001, "A", "NTLMSSP_NEGOTIATE_UNICODE", "texts are UTF-16LE.";
    OEM = 0x0000_0002, "B", "NTLM_NEGOTIATE_OEM", "texts are in an OEM code page.";
    REQUEST_TARGET = 0x0000_0004, "C", "NTLMSSP_REQUEST_TARGET", "the CHALLENGE carries a TargetName.";
    R10 = 0x0000_0008, "r10", "reserved (r10)", "unused, zero.";
    SIGN = 0x0000_0010, "D", "NTLMSSP_NEGOTIATE_SIGN", "messages are signed.";
    SEAL = 0x0000_0020, "E", "NTLMSSP_NEGOTIATE_SEAL", "messages are sealed.";
    DATAGRAM = 0x0000_0040, "F", "NTLMSSP_NEGOTIATE_DATAGRAM", "connectionless authentication.";
    LM_KEY = 0x0000_0080, "G", "NTLMSSP_NEGOTIATE_LM_KEY", "LAN Manager session keys.";
    R9 = 0x0000_0100, "r9", "reserved (r9)", "unused, zero.";
    NTLM = 0x0000_0200, "H", "NTLMSSP_NEGOTIATE_NTLM", "the NTLM protocol.";
    R8 = 0x0000_0400, "r8", "reserved (r8)", "unused, zero.";
    ANONYMOUS = 0x0000_0800, "J", "NTLMSSP_NEGOTIATE_ANONYMOUS", "the connection should be anonymous.";
    OEM_DOMAIN_SUPPLIED = 0x0000_1000, "K", "NTLMSSP_NEGOTIATE_OEM_DOMAIN_SUPPLIED", "NEGOTIATE carries a domain.";
    OEM_WORKSTATION_SUPPLIED = 0x0000_2000, "L", "NTLMSSP_NEGOTIATE_OEM_WORKSTATION_SUPPLIED", "NEGOTIATE carries a workstation.";
    LOCAL_CALL = 0x0000_4000, "r7", "reserved (r7)", "historic local call; never honoured, never set.";
    ALWAYS_SIGN = 0x0000_8000, "M", "NTLMSSP_NEGOTIATE_ALWAYS_SIGN", "a session key must exist.";
    TARGET_TYPE_DOMAIN = 0x0001_0000, "N", "NTLMSSP_TARGET_TYPE_DOMAIN", "TargetName is a domain.";
    TARGET_TYPE_SERVER = 0x0002_0000, "O", "NTLMSSP_TARGET_TYPE_SERVER", "TargetName is a server.";
    R6 = 0x0004_0000, "r6", "reserved (r6)", "historic TARGET_TYPE_SHARE, zero.";
    EXTENDED_SESSIONSECURITY = 0x0008_0000, "P", "NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY", "keys per direction and HMAC signatures.";
    IDENTIFY = 0x0010_0000, "Q", "NTLMSSP_NEGOTIATE_IDENTIFY", "an identify-level token is asked for.";
    R5 = 0x0020_0000, "r5", "reserved (r5)", "unused, zero.";
    REQUEST_NON_NT_SESSION_KEY = 0x0040_0000, "R", "NTLMSSP_REQUEST_NON_NT_SESSION_KEY", "the LMOWF as session key.";
    TARGET_INFO = 0x0080_0000, "S", "NTLMSSP_NEGOTIATE_TARGET_INFO", "the CHALLENGE carries TargetInfo.";
    R4 = 0x0100_0000, "r4", "reserved (r4)", "unused, zero.";
    VERSION = 0x0200_0000, "T", "NTLMSSP_NEGOTIATE_VERSION", "the VERSION field is filled.";
    R3 = 0x0400_0000, "r3", "reserved (r3)", "unused, zero.";
    R2 = 0x0800_0000, "r2", "reserved (r2)", "unused, zero.";
    R1 = 0x1000_0000, "r1", "reserved (r1)", "unused, zero.";
    N128 = 0x2000_0000, "U", "NTLMSSP_NEGOTIATE_128", "128-bit session keys.";
    KEY_EXCH = 0x4000_0000, "V", "NTLMSSP_NEGOTIATE_KEY_EXCH", "an explicit key exchange.";
    N56 = 0x8000_0000, "W", "NTLMSSP_NEGOTIATE_56", "56-bit session keys.";
}

impl NegotiateFlags {
    /// No bit set.
    pub const NONE: Self = Self(0);

    /// Whether every bit of `bits` is set.
    #[must_use]
    pub const fn contains(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }

    /// Whether any bit of `bits` is set.
    #[must_use]
    pub const fn intersects(self, bits: Self) -> bool {
        self.0 & bits.0 != 0
    }

    /// Whether no bit is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All bits of `self` that are not in `bits`.
    #[must_use]
    pub const fn without(self, bits: Self) -> Self {
        Self(self.0 & !bits.0)
    }

    /// `self` with `bits` set if `condition`.
    #[must_use]
    pub const fn with_if(self, condition: bool, bits: Self) -> Self {
        if condition { Self(self.0 | bits.0) } else { self }
    }

    /// The rows of the bits that are set, lowest first.
    pub fn rows(self) -> impl Iterator<Item = &'static FlagRow> {
        Self::TABLE.iter().filter(move |row| self.contains(row.flag))
    }
}

impl BitOr for NegotiateFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for NegotiateFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for NegotiateFlags {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitAndAssign for NegotiateFlags {
    fn bitand_assign(&mut self, other: Self) {
        self.0 &= other.0;
    }
}

impl Not for NegotiateFlags {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl fmt::Display for NegotiateFlags {
    /// The value and the names of the bits: `0x00000005 (NTLMSSP_NEGOTIATE_UNICODE | NTLMSSP_REQUEST_TARGET)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)?;
        for (index, row) in self.rows().enumerate() {
            f.write_str(if index == 0 { " (" } else { " | " })?;
            f.write_str(row.name)?;
        }
        if self.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl fmt::Debug for NegotiateFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_has_exactly_one_row() {
        let mut seen = NegotiateFlags::NONE;
        for row in NegotiateFlags::TABLE {
            assert_eq!(row.flag.0.count_ones(), 1, "{}", row.name);
            assert!(!seen.intersects(row.flag), "{} is there twice", row.name);
            seen |= row.flag;
        }
        assert_eq!(seen.0, u32::MAX);
    }
}
