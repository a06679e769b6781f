//! NEGOTIATE_MESSAGE, type 1 (MS-NLMP 2.2.1.1).
//!
//! ```text
//!  0 Signature "NTLMSSP\0"   8 MessageType 1   12 NegotiateFlags
//! 16 DomainNameFields       24 WorkstationFields                     (absent in the oldest form of 16 bytes)
//! 32 Version                                                         (absent in the form of 32 bytes)
//! 40 payload
//! ```

use alloc::vec::Vec;

use super::reader::{Descriptor, Reader};
use super::{MAX_NEGOTIATE_LENGTH, Malformed, NegotiateFlags, Part, SIGNATURE, Version};

/// A parsed NEGOTIATE_MESSAGE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegotiateMessage<'a> {
    /// NegotiateFlags.
    pub flags: NegotiateFlags,
    /// DomainName in the OEM character set; `None` unless NTLMSSP_NEGOTIATE_OEM_DOMAIN_SUPPLIED is set.
    pub domain_name: Option<&'a [u8]>,
    /// WorkstationName in the OEM character set; `None` unless NTLMSSP_NEGOTIATE_OEM_WORKSTATION_SUPPLIED is set.
    pub workstation: Option<&'a [u8]>,
    /// Version; `None` in the forms that have no such field. Means something only with NTLMSSP_NEGOTIATE_VERSION.
    pub version: Option<Version>,
    /// DomainNameFields as found.
    pub domain_name_fields: Option<Descriptor>,
    /// WorkstationFields as found.
    pub workstation_fields: Option<Descriptor>,
    /// Everything behind the fixed header.
    pub payload: &'a [u8],
}

impl<'a> NegotiateMessage<'a> {
    /// Reads a NEGOTIATE_MESSAGE of 16, 32, 40 or more bytes.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a wrong header, a message over [`MAX_NEGOTIATE_LENGTH`], or a supplied name that lies outside
    /// the message or inside its header. Names without their flag are ignored.
    pub fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let reader = Reader::new(Part::Negotiate, message);
        reader.limit(MAX_NEGOTIATE_LENGTH)?;
        reader.header(1)?;
        let flags = NegotiateFlags(reader.u32("NegotiateFlags", 12)?);

        let has_names = message.len() >= 32;
        let domain_name_fields = has_names.then(|| reader.descriptor("DomainNameFields", 16)).transpose()?;
        let workstation_fields = has_names.then(|| reader.descriptor("WorkstationFields", 24)).transpose()?;
        let named = |flag, field, descriptor: Option<Descriptor>| -> Result<Option<&'a [u8]>, Malformed> {
            match descriptor {
                Some(descriptor) if flags.contains(flag) => reader.payload(field, descriptor, 16).map(Some),
                _ => Ok(None),
            }
        };
        let domain_name = named(NegotiateFlags::OEM_DOMAIN_SUPPLIED, "DomainName", domain_name_fields)?;
        let workstation = named(NegotiateFlags::OEM_WORKSTATION_SUPPLIED, "WorkstationName", workstation_fields)?;

        let payload_start = [domain_name_fields, workstation_fields]
            .into_iter()
            .flatten()
            .filter_map(Descriptor::start)
            .fold(message.len(), usize::min);
        let version = if payload_start >= 40 { Some(Version::from_bytes(reader.array("Version", 32)?)) } else { None };
        let header = if version.is_some() {
            40
        } else if has_names {
            32
        } else {
            16
        };
        Ok(Self {
            flags,
            domain_name,
            workstation,
            version,
            domain_name_fields,
            workstation_fields,
            payload: reader.from(header),
        })
    }

    /// Appends the message to `out`: the very bytes it was parsed from.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(SIGNATURE);
        out.extend(1_u32.to_le_bytes());
        out.extend(self.flags.0.to_le_bytes());
        for fields in [self.domain_name_fields, self.workstation_fields].into_iter().flatten() {
            out.extend(fields.to_bytes());
        }
        out.extend(self.version.into_iter().flat_map(Version::to_bytes));
        out.extend(self.payload);
    }
}

/// Makes a NEGOTIATE_MESSAGE of 40 bytes, or longer with names.
#[derive(Clone, Copy, Debug, Default)]
pub struct NegotiateBuilder<'a> {
    /// NegotiateFlags, sent as they are.
    pub flags: NegotiateFlags,
    /// DomainName in the OEM character set; empty for none.
    pub domain_name: &'a [u8],
    /// WorkstationName in the OEM character set; empty for none.
    pub workstation: &'a [u8],
    /// Version; zeros when `None`.
    pub version: Option<Version>,
}

impl NegotiateBuilder<'_> {
    /// Appends the message to `out`. Empty names get all-zero fields, as Windows does.
    pub fn write(&self, out: &mut Vec<u8>) {
        const HEADER: usize = 40;
        let describe = |name: &[u8], offset| {
            if name.is_empty() { Descriptor::default() } else { Descriptor::new(name.len(), offset) }
        };
        out.reserve(HEADER + self.domain_name.len() + self.workstation.len());
        out.extend(SIGNATURE);
        out.extend(1_u32.to_le_bytes());
        out.extend(self.flags.0.to_le_bytes());
        out.extend(describe(self.domain_name, HEADER).to_bytes());
        out.extend(describe(self.workstation, HEADER + self.domain_name.len()).to_bytes());
        out.extend(self.version.map_or([0; 8], Version::to_bytes));
        out.extend(self.domain_name);
        out.extend(self.workstation);
    }
}
