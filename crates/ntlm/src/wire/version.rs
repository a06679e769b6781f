//! VERSION (MS-NLMP 2.2.2.10).

use core::fmt;

/// The product version a peer claims to be. For people who debug; nothing is ever decided by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// ProductMajorVersion.
    pub major: u8,
    /// ProductMinorVersion.
    pub minor: u8,
    /// ProductBuild.
    pub build: u16,
    /// Three reserved bytes, kept as received; zero when sent.
    pub reserved: [u8; 3],
    /// NTLMRevisionCurrent; 15 in everything current.
    pub ntlm_revision: u8,
}

impl Version {
    /// NTLMSSP_REVISION_W2K3, the only revision in use.
    pub const REVISION_W2K3: u8 = 0x0f;

    /// A version of the current revision.
    #[must_use]
    pub const fn new(major: u8, minor: u8, build: u16) -> Self {
        Self { major, minor, build, reserved: [0; 3], ntlm_revision: Self::REVISION_W2K3 }
    }

    /// Reads the 8 bytes of a VERSION.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        let [major, minor, b0, b1, r0, r1, r2, ntlm_revision] = bytes;
        Self { major, minor, build: u16::from_le_bytes([b0, b1]), reserved: [r0, r1, r2], ntlm_revision }
    }

    /// The 8 bytes on the wire.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        let [b0, b1] = self.build.to_le_bytes();
        let [r0, r1, r2] = self.reserved;
        [self.major, self.minor, b0, b1, r0, r1, r2, self.ntlm_revision]
    }
}

impl Default for Version {
    /// 10.0.17763, what this crate says it is unless told otherwise.
    fn default() -> Self {
        Self::new(10, 0, 17763)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{} (NTLM revision {})", self.major, self.minor, self.build, self.ntlm_revision)
    }
}
