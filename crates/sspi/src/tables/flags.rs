//! Context requirements and attributes: one row per meaning, one column per call.
//!
//! ISC_REQ, ISC_RET, ASC_REQ and ASC_RET agree below 0x1000 and part company above. Code that names a bit of theirs
//! outside this table is wrong; everything else speaks in [`Meanings`].

use std::ops::{BitAnd, BitOr, BitOrAssign};

/// One meaning, and its bit in each of the four vocabularies; 0 where it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagRow {
    /// The meaning.
    pub meaning: Meanings,
    /// The name without its prefix.
    pub name: &'static str,
    /// ISC_REQ_*: what a client asks for.
    pub isc_req: u32,
    /// ISC_RET_*: what a client gets.
    pub isc_ret: u32,
    /// ASC_REQ_*: what a server asks for.
    pub asc_req: u32,
    /// ASC_RET_*: what a server gets.
    pub asc_ret: u32,
}

/// A set of meanings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub struct Meanings(u32);

macro_rules! table {
    ($($index:literal $name:ident: $isc_req:literal, $isc_ret:literal, $asc_req:literal, $asc_ret:literal;)*) => {
        impl Meanings {
            $(
                #[doc = concat!("`", stringify!($name), "`.")]
                pub const $name: Self = Self(1 << $index);
            )*
        }

        /// Every meaning.
        pub const TABLE: &[FlagRow] = &[$(
            FlagRow {
                meaning: Meanings::$name,
                name: stringify!($name),
                isc_req: $isc_req,
                isc_ret: $isc_ret,
                asc_req: $asc_req,
                asc_ret: $asc_ret,
            },
        )*];
    };
}

table! {
    //                            ISC_REQ      ISC_RET      ASC_REQ      ASC_RET
    0  DELEGATE:                  0x0000_0001, 0x0000_0001, 0x0000_0001, 0x0000_0001;
    1  MUTUAL_AUTH:               0x0000_0002, 0x0000_0002, 0x0000_0002, 0x0000_0002;
    2  REPLAY_DETECT:             0x0000_0004, 0x0000_0004, 0x0000_0004, 0x0000_0004;
    3  SEQUENCE_DETECT:           0x0000_0008, 0x0000_0008, 0x0000_0008, 0x0000_0008;
    4  CONFIDENTIALITY:           0x0000_0010, 0x0000_0010, 0x0000_0010, 0x0000_0010;
    5  USE_SESSION_KEY:           0x0000_0020, 0x0000_0020, 0x0000_0020, 0x0000_0020;
    6  PROMPT_FOR_CREDS:          0x0000_0040, 0x0000_0000, 0x0000_0000, 0x0000_0000;
    7  USE_SUPPLIED_CREDS:        0x0000_0080, 0x0000_0080, 0x0000_0000, 0x0000_0000;
    8  ALLOCATE_MEMORY:           0x0000_0100, 0x0000_0100, 0x0000_0100, 0x0000_0100;
    9  USE_DCE_STYLE:             0x0000_0200, 0x0000_0200, 0x0000_0200, 0x0000_0200;
    10 DATAGRAM:                  0x0000_0400, 0x0000_0400, 0x0000_0400, 0x0000_0400;
    11 CONNECTION:                0x0000_0800, 0x0000_0800, 0x0000_0800, 0x0000_0800;
    12 EXTENDED_ERROR:            0x0000_4000, 0x0000_4000, 0x0000_8000, 0x0000_8000;
    13 STREAM:                    0x0000_8000, 0x0000_8000, 0x0001_0000, 0x0001_0000;
    14 INTEGRITY:                 0x0001_0000, 0x0001_0000, 0x0002_0000, 0x0002_0000;
    15 IDENTIFY:                  0x0002_0000, 0x0002_0000, 0x0008_0000, 0x0008_0000;
    16 NULL_SESSION:              0x0004_0000, 0x0004_0000, 0x0010_0000, 0x0010_0000;
    17 ALLOW_MISSING_BINDINGS:    0x0000_0000, 0x0000_0000, 0x1000_0000, 0x0000_0000;
    18 UNVERIFIED_TARGET_NAME:    0x2000_0000, 0x0000_0000, 0x0000_0000, 0x0000_0000;
}

impl Meanings {
    /// No meaning.
    pub const NONE: Self = Self(0);

    /// What a client's fContextReq asks for. Bits without a meaning for NTLM are ignored.
    #[must_use]
    pub fn from_isc_req(bits: u32) -> Self {
        Self::collect(|row| row.isc_req & bits != 0)
    }

    /// What a server's fContextReq asks for. Bits without a meaning for NTLM are ignored.
    #[must_use]
    pub fn from_asc_req(bits: u32) -> Self {
        Self::collect(|row| row.asc_req & bits != 0)
    }

    /// A client's pfContextAttr.
    #[must_use]
    pub fn to_isc_ret(self) -> u32 {
        self.rows().fold(0, |bits, row| bits | row.isc_ret)
    }

    /// A server's pfContextAttr.
    #[must_use]
    pub fn to_asc_ret(self) -> u32 {
        self.rows().fold(0, |bits, row| bits | row.asc_ret)
    }

    /// Whether every meaning of `others` is there.
    #[must_use]
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether any meaning of `others` is there.
    #[must_use]
    pub const fn intersects(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// `self`, and `others` if `condition`.
    #[must_use]
    pub const fn with_if(self, condition: bool, others: Self) -> Self {
        if condition { Self(self.0 | others.0) } else { self }
    }

    /// All meanings that are not in `others`.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// The rows of the meanings that are there.
    pub fn rows(self) -> impl Iterator<Item = &'static FlagRow> {
        TABLE.iter().filter(move |row| self.contains(row.meaning))
    }

    fn collect(wanted: impl Fn(&FlagRow) -> bool) -> Self {
        TABLE.iter().filter(|row| wanted(row)).fold(Self::NONE, |meanings, row| meanings | row.meaning)
    }
}

impl BitOr for Meanings {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Meanings {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for Meanings {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bit_has_two_meanings_in_one_vocabulary() {
        let columns: [fn(&FlagRow) -> u32; 4] =
            [|row| row.isc_req, |row| row.isc_ret, |row| row.asc_req, |row| row.asc_ret];
        for column in columns {
            let mut seen = 0;
            for row in TABLE {
                assert!(column(row).count_ones() <= 1, "{}", row.name);
                assert_eq!(seen & column(row), 0, "{}", row.name);
                seen |= column(row);
            }
        }
    }

    #[test]
    fn the_two_families_part_company_above_0x1000() {
        assert_eq!(Meanings::from_isc_req(0x1_0000), Meanings::INTEGRITY);
        assert_eq!(Meanings::from_asc_req(0x1_0000), Meanings::STREAM);
        assert_eq!(Meanings::INTEGRITY.to_asc_ret(), 0x2_0000);
        assert_eq!(Meanings::from_asc_req(0x4_0000), Meanings::NONE);
    }
}
