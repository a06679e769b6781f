//! Identities of the program's own making, in every form.

use std::ffi::c_void;

use ntlmsspi::types::{SEC_WINNT_AUTH_IDENTITY, SEC_WINNT_AUTH_IDENTITY_EX};

use crate::input::{Input, Memory, start};

const HEADER_EX2: usize = 48;
const PROCESS_ENCRYPTED: u32 = 0x10;

/// An identity and the memory that it points to.
pub struct Identity {
    structure: Option<Memory>,
    strings: Vec<Memory>,
}

impl Identity {
    pub fn none() -> Self {
        Self { structure: None, strings: Vec::new() }
    }

    pub fn alice() -> Self {
        let strings: [&[u8]; 4] = [b"alice", b"EXAMPLE", b"Passw0rd!", b""];
        Self::of(strings.map(Some), [5, 7, 9, 0], 1, false)
    }

    pub fn new(input: &mut Input<'_>) -> Self {
        match input.byte() & 7 {
            0 => Self::none(),
            1 | 2 => Self::alice(),
            3 | 4 => Self::ex2(input),
            _ => {
                let choice = input.byte();
                let flags = match choice & 7 {
                    0 => input.word(),
                    _ => u32::from(choice & 3) | if choice >= 0xF0 { PROCESS_ENCRYPTED } else { 0 },
                };
                let size = if flags & 3 == 2 { 2 } else { 1 };
                let (mut strings, mut lengths) = ([None; 4], [0_u32; 4]);
                for (string, length) in strings.iter_mut().zip(&mut lengths) {
                    let choice = input.byte();
                    let bytes = input.counted();
                    *string = (choice & 7 != 0).then_some(bytes);
                    *length = match choice >> 3 & 7 {
                        // Too long to be believed.
                        0 => input.word() | 0x8000,
                        _ => (bytes.len() / size) as u32,
                    };
                }
                Self::of(strings, lengths, flags, input.byte() & 1 == 0)
            }
        }
    }

    /// EX2: offsets in one piece.
    fn ex2(input: &mut Input<'_>) -> Self {
        let length = HEADER_EX2 + input.below(80);
        let mut bytes = input.bytes(length).to_vec();
        bytes.resize(length, 0);
        bytes[..4].copy_from_slice(&0x201_u32.to_ne_bytes());
        // What lies behind the structure's length is the caller's lie, unless it is too long to be believed.
        let claimed = if input.byte() & 7 == 0 { u32::MAX } else { length as u32 };
        bytes[8..12].copy_from_slice(&claimed.to_ne_bytes());
        if input.byte() & 3 != 0 {
            bytes[4..6].copy_from_slice(&(HEADER_EX2 as u16).to_ne_bytes());
        }
        Self { structure: Some(Memory::new(&bytes, 0)), strings: Vec::new() }
    }

    fn of(strings: [Option<&[u8]>; 4], lengths: [u32; 4], flags: u32, is_ex: bool) -> Self {
        let memory = strings.map(|string| string.map(|bytes| Memory::new(bytes, 0)));
        let [user, domain, password, list] = memory.each_ref().map(|memory| start::<c_void>(memory.as_ref()));
        let [user_length, domain_length, password_length, list_length] = lengths;
        let ex = SEC_WINNT_AUTH_IDENTITY_EX {
            Version: 0x200,
            Length: 72,
            User: user,
            UserLength: user_length,
            Domain: domain,
            DomainLength: domain_length,
            Password: password,
            PasswordLength: password_length,
            Flags: flags,
            PackageList: list,
            PackageListLength: list_length,
        };
        let plain = SEC_WINNT_AUTH_IDENTITY {
            User: user,
            UserLength: user_length,
            Domain: domain,
            DomainLength: domain_length,
            Password: password,
            PasswordLength: password_length,
            Flags: flags,
        };
        let structure = Memory::new(&[0; 72][..if is_ex { 72 } else { 48 }], 0);
        match is_ex {
            // SAFETY: there is room for the structure.
            true => unsafe { structure.start().cast::<SEC_WINNT_AUTH_IDENTITY_EX>().write_unaligned(ex) },
            // SAFETY: as above.
            false => unsafe { structure.start().cast::<SEC_WINNT_AUTH_IDENTITY>().write_unaligned(plain) },
        }
        Self { structure: Some(structure), strings: memory.into_iter().flatten().collect() }
    }

    pub fn pointer(&self) -> *mut c_void {
        start(self.structure.as_ref())
    }

    /// The bytes of the structure itself.
    pub fn structure(&self) -> Vec<u8> {
        self.structure.as_ref().map_or_else(Vec::new, Memory::content)
    }

    /// The bytes of the structure and of all that it points to.
    pub fn content(&self) -> Vec<u8> {
        self.structure.iter().chain(&self.strings).flat_map(Memory::content).collect()
    }
}
