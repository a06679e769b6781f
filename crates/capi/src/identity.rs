//! SEC_WINNT_AUTH_IDENTITY in its forms: plain, EX and EX2, read into one value and written as EX2.
//!
//! The first 32 bits tell the forms apart. Nothing is read by a length before the length was found sane: some callers hide flags in
//! PasswordLength, and memory behind a short password is not theirs to read.

use std::ffi::c_void;

use ntlm::{Password, UnicodeString};
use ntlm_sspi::{AuthIdentity, Secret, SecurityStatus};
use zeroize::{Zeroize as _, Zeroizing};

use crate::alloc::{self, Block};
use crate::frame::{Answer, In, Out, Parameter};
use crate::string::Character;
use crate::types::{
    Plain, SEC_CHAR, SEC_WCHAR, SEC_WINNT_AUTH_IDENTITY, SEC_WINNT_AUTH_IDENTITY_EX, SEC_WINNT_AUTH_IDENTITY_EX2,
    SecBuffer,
};

/// SEC_WINNT_AUTH_IDENTITY_VERSION.
const VERSION_EX: u32 = 0x200;
/// SEC_WINNT_AUTH_IDENTITY_VERSION_2.
const VERSION_EX2: u32 = 0x201;
/// SEC_WINNT_AUTH_IDENTITY_ANSI.
const ANSI: u32 = 1;
/// SEC_WINNT_AUTH_IDENTITY_UNICODE.
pub(crate) const UNICODE: u32 = 2;
/// SEC_WINNT_AUTH_IDENTITY_MARSHALLED.
pub(crate) const MARSHALLED: u32 = 4;
/// SEC_WINNT_AUTH_IDENTITY_FLAGS_PROCESS_ENCRYPTED, _SYSTEM_PROTECTED, _USER_PROTECTED.
pub(crate) const ENCRYPTED: u32 = 0x70;

/// The longest name, in characters: what a message holds.
pub(crate) const LONGEST_NAME: u32 = 0x7fff;
/// The longest password, in characters. Windows' is 256; FreeRDP adds 512 to the length of what is no password.
pub(crate) const LONGEST_PASSWORD: u32 = 512;
/// The longest EX2 structure.
const LONGEST_STRUCTURE: u32 = 0x4_0000;
/// Where the strings of an EX2 structure begin.
const HEADER: usize = size_of::<SEC_WINNT_AUTH_IDENTITY_EX2>();

const ODD: SecurityStatus = SecurityStatus::SEC_E_UNKNOWN_CREDENTIALS;

/// UTF-16, wiped when dropped.
pub(crate) type Units = Zeroizing<Vec<u16>>;

/// A parameter that is an identity of any form.
pub struct Identity {
    memory: *mut c_void,
    /// How many bytes the structure may have, when the caller says so.
    room: Option<usize>,
}

impl Parameter for Identity {
    type Raw = *mut c_void;
    unsafe fn vouched(raw: *mut c_void) -> Self {
        Self { memory: raw, room: None }
    }
}

/// The identity in a PKG_PARAMS buffer.
pub(crate) fn of_buffer(buffer: &SecBuffer) -> Answer<AuthIdentity> {
    Identity { memory: buffer.pvBuffer, room: Some(buffer.cbBuffer as usize) }.read()?.ok_or(ODD)
}

/// The parts of an identity. What is NULL is `None`.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) user: Option<Units>,
    pub(crate) domain: Option<Units>,
    pub(crate) password: Option<Units>,
    pub(crate) packages: Option<Units>,
    pub(crate) flags: u32,
}

/// Where a string of an identity is, and how long it says it is.
#[derive(Clone, Copy)]
struct Span {
    start: *mut c_void,
    length: u32,
}

/// A plain or EX identity: its strings lie elsewhere.
struct Pointers {
    user: Span,
    domain: Span,
    password: Span,
    packages: Span,
    flags: u32,
}

impl Identity {
    /// The parts of a marshalled identity of `length` bytes. Only EX2 has everything in one piece; the pointers in other forms are somebody else's.
    pub(crate) fn marshalled(&self, length: usize) -> Answer<Parts> {
        let marshalled = Self { memory: self.memory, room: Some(length) };
        if marshalled.version()? == VERSION_EX2 { marshalled.ex2() } else { Err(ODD) }
    }

    /// Where it is.
    pub(crate) fn memory(&self) -> *mut c_void {
        self.memory
    }

    /// The identity as credentials are made of it; `None` for NULL.
    pub(crate) fn read(&self) -> Answer<Option<AuthIdentity>> {
        self.parts()?.map(Parts::into_identity).transpose()
    }

    /// The parts; `None` for NULL.
    pub(crate) fn parts(&self) -> Answer<Option<Parts>> {
        if self.memory.is_null() {
            return Ok(None);
        }
        if self.version()? == VERSION_EX2 {
            return self.ex2().map(Some);
        }
        let Pointers { user, domain, password, packages, flags } = self.pointers()?;
        let read = match flags & (ANSI | UNICODE) {
            ANSI => text::<SEC_CHAR>,
            UNICODE => text::<SEC_WCHAR>,
            _ => return Err(ODD),
        };
        Ok(Some(Parts {
            user: read(user, LONGEST_NAME)?,
            domain: read(domain, LONGEST_NAME)?,
            password: read(password, LONGEST_PASSWORD)?,
            packages: read(packages, LONGEST_NAME)?,
            flags,
        }))
    }

    /// Fills the identity with zeros: its strings, and the structure itself. A string that is longer than any that is read is passed over, since what says so may
    /// be no length; the structure stays then, because the caller needs it to wipe that string.
    pub(crate) fn zero(&self) {
        if self.memory.is_null() {
            return;
        }
        let (structure, pointers) = match self.version() {
            Ok(VERSION_EX2) => (self.ex2_header().map_or(HEADER, |header| header.cbStructureLength as usize), None),
            Ok(VERSION_EX) => (size_of::<SEC_WINNT_AUTH_IDENTITY_EX>(), self.pointers().ok()),
            Ok(_) => (size_of::<SEC_WINNT_AUTH_IDENTITY>(), self.pointers().ok()),
            Err(_) => return,
        };
        if let Some(Pointers { user, domain, password, flags, .. }) = pointers {
            // Where the flags do not say which characters they are, no more than there is in any case.
            let size = if flags & (ANSI | UNICODE) == UNICODE { size_of::<SEC_WCHAR>() } else { size_of::<SEC_CHAR>() };
            let mut passed_over = false;
            for (span, longest) in [(user, LONGEST_NAME), (domain, LONGEST_NAME), (password, LONGEST_PASSWORD)] {
                if span.start.is_null() {
                    continue;
                }
                if span.length <= longest {
                    wipe(span.start, span.length as usize * size);
                } else {
                    passed_over = true;
                }
            }
            if passed_over {
                return;
            }
        }
        // Of a block of ours no more than there is.
        wipe(self.memory, structure.min(alloc::length(self.memory).unwrap_or(structure)));
    }

    fn version(&self) -> Answer<u32> {
        self.structure()
    }

    /// The structure as a `T`, if there is room for one.
    fn structure<T: Plain>(&self) -> Answer<T> {
        if self.room.is_some_and(|room| room < size_of::<T>()) {
            return Err(ODD);
        }
        // SAFETY: the identity is vouched for; which form it has, its first bytes say.
        unsafe { In::<T>::vouched(self.memory.cast_const().cast()) }.read().ok_or(ODD)
    }

    fn pointers(&self) -> Answer<Pointers> {
        let span = |start, length| Span { start, length };
        if self.version()? != VERSION_EX {
            let plain: SEC_WINNT_AUTH_IDENTITY = self.structure()?;
            return Ok(Pointers {
                user: span(plain.User, plain.UserLength),
                domain: span(plain.Domain, plain.DomainLength),
                password: span(plain.Password, plain.PasswordLength),
                packages: span(std::ptr::null_mut(), 0),
                flags: plain.Flags,
            });
        }
        let ex: SEC_WINNT_AUTH_IDENTITY_EX = self.structure()?;
        if (ex.Length as usize) < size_of::<SEC_WINNT_AUTH_IDENTITY_EX>() {
            return Err(ODD);
        }
        Ok(Pointers {
            user: span(ex.User, ex.UserLength),
            domain: span(ex.Domain, ex.DomainLength),
            password: span(ex.Password, ex.PasswordLength),
            packages: span(ex.PackageList, ex.PackageListLength),
            flags: ex.Flags,
        })
    }

    fn ex2_header(&self) -> Answer<SEC_WINNT_AUTH_IDENTITY_EX2> {
        let header: SEC_WINNT_AUTH_IDENTITY_EX2 = self.structure()?;
        let (length, room) = (header.cbStructureLength, self.room.unwrap_or(usize::MAX));
        let sane = usize::from(header.cbHeaderLength) >= HEADER
            && u32::from(header.cbHeaderLength) <= length
            && length <= LONGEST_STRUCTURE
            && length as usize <= room;
        if sane { Ok(header) } else { Err(ODD) }
    }

    fn ex2(&self) -> Answer<Parts> {
        let header = self.ex2_header()?;
        if header.Flags & ANSI != 0 {
            return Err(ODD);
        }
        // SAFETY: the identity is vouched for, and says that it is this long.
        let bytes = unsafe { std::slice::from_raw_parts(self.memory.cast::<u8>(), header.cbStructureLength as usize) };
        let text = |offset: u32, length: u16| {
            if offset == 0 && length == 0 {
                return Ok(None);
            }
            let (start, length) = (offset as usize, usize::from(length));
            let end = start.checked_add(length).filter(|_| offset >= u32::from(header.cbHeaderLength));
            let (pairs, odd) = end.and_then(|end| bytes.get(start..end)).ok_or(ODD)?.as_chunks::<2>();
            if !odd.is_empty() {
                return Err(ODD);
            }
            Ok(Some(Units::new(pairs.iter().map(|pair| u16::from_ne_bytes(*pair)).collect())))
        };
        let password = text(header.PackedCredentialsOffset, header.PackedCredentialsLength)?;
        if password.as_ref().is_some_and(|password| password.len() > LONGEST_PASSWORD as usize) {
            return Err(ODD);
        }
        Ok(Parts {
            user: text(header.UserOffset, header.UserLength)?,
            domain: text(header.DomainOffset, header.DomainLength)?,
            password,
            packages: text(header.PackageListOffset, header.PackageListLength)?,
            flags: header.Flags,
        })
    }
}

/// The string at `span`; `None` for NULL.
fn text<C: Character>(span: Span, longest: u32) -> Answer<Option<Units>> {
    if span.start.is_null() && span.length == 0 {
        return Ok(None);
    }
    if span.start.is_null() || span.length > longest {
        return Err(ODD);
    }
    let characters = (0..span.length as usize).filter_map(|index| {
        // SAFETY: the caller of the C function vouches for as many characters as the length says.
        unsafe { In::<C>::vouched(span.start.cast::<C>().wrapping_add(index)) }.read()
    });
    let mut units = Zeroizing::new(Vec::with_capacity(span.length as usize));
    units.extend(characters);
    C::decode(units).map(Some).ok_or(ODD)
}

fn wipe(start: *mut c_void, length: usize) {
    // SAFETY: the memory is part of an identity that the caller of the C function wants to have wiped.
    let bytes = unsafe { std::slice::from_raw_parts_mut(start.cast::<u8>(), length) };
    bytes.zeroize();
}

impl Parts {
    /// The identity as credentials are made of it.
    pub(crate) fn into_identity(self) -> Answer<AuthIdentity> {
        if self.flags & ENCRYPTED != 0 {
            return Err(ODD);
        }
        let name = |units: Option<Units>| units.map(|units| UnicodeString::from_units(&units)).unwrap_or_default();
        Ok(AuthIdentity {
            user: name(self.user),
            domain: name(self.domain),
            secret: Secret::Password(Password::from_units(&self.password.unwrap_or_default())),
            package_list: packages(&self.packages.unwrap_or_default()),
        })
    }

    /// The identity as an EX2 structure in one block. What is encrypted stays so, and says so.
    pub(crate) fn to_ex2(&self, flags: u32) -> Answer<Block> {
        let texts = [&self.user, &self.domain, &self.password, &self.packages];
        let length = HEADER + texts.iter().copied().flatten().map(|units| units.len() * 2).sum::<usize>();
        let mut block = Block::new(length)?;
        let mut end = HEADER;
        let mut put = |units: &Option<Units>| -> Answer<(u32, u16)> {
            let Some(units) = units else { return Ok((0, 0)) };
            let (start, length) = (end, u16::try_from(units.len() * 2).map_err(|_| ODD)?);
            for &unit in units.iter() {
                block.put(end, unit)?;
                end += 2;
            }
            Ok((u32::try_from(start).map_err(|_| ODD)?, length))
        };
        let (user, domain, password, packages) =
            (put(&self.user)?, put(&self.domain)?, put(&self.password)?, put(&self.packages)?);
        let header = SEC_WINNT_AUTH_IDENTITY_EX2 {
            Version: VERSION_EX2,
            cbHeaderLength: HEADER as u16,
            cbStructureLength: u32::try_from(length).map_err(|_| ODD)?,
            UserOffset: user.0,
            UserLength: user.1,
            DomainOffset: domain.0,
            DomainLength: domain.1,
            PackedCredentialsOffset: password.0,
            PackedCredentialsLength: password.1,
            Flags: UNICODE | flags | self.flags & ENCRYPTED,
            PackageListOffset: packages.0,
            PackageListLength: packages.1,
        };
        block.put(0, header)?;
        Ok(block)
    }
}

/// The entries of a PackageList, which commas separate.
fn packages(list: &[u16]) -> Vec<String> {
    let list = String::from_utf16_lossy(list);
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Hands an identity out.
pub(crate) fn give(parts: &Parts, out: &Out<*mut c_void>) -> Answer {
    out.required().map_err(|_| SecurityStatus::SEC_E_INVALID_TOKEN)?;
    out.write(parts.to_ex2(0)?.give());
    Ok(())
}
