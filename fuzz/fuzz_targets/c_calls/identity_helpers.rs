//! The Sspi* functions on identities of the library's own making and of the program's.

use std::ffi::c_void;

use ntlm_sspi::SecurityStatus;
use ntlmsspi::extension::ntlm_sspi_live;
use ntlmsspi::identity_helpers::*;

use crate::identity::Identity;
use crate::input::{Character, Input, Memory, start};
use crate::program::{MOST_KEPT, Program, call, export};

/// User, domain and packed credentials, as far as they are there.
type Strings = [Option<Vec<u16>>; 3];

/// An identity that the library has made: an EX2 structure in one block.
pub struct Own {
    address: *mut c_void,
    length: usize,
    /// What is in it, unless the program has changed it since.
    strings: Option<Strings>,
    /// Whether it is nothing but zeros now.
    is_zero: bool,
}

impl Own {
    /// Takes an identity over and reads all of it; AddressSanitizer looks on.
    fn new(address: *mut c_void, strings: Option<Strings>) -> Self {
        assert!(!address.is_null());
        let word = |offset: usize| {
            let place = address.cast::<u8>().wrapping_add(offset).cast::<u32>();
            // SAFETY: an EX2 structure has at least 48 bytes.
            unsafe { place.read_unaligned() }
        };
        assert_eq!(word(0), 0x201, "an identity of another form");
        let own = Self { address, length: word(8) as usize, strings, is_zero: false };
        std::hint::black_box(own.bytes().to_vec());
        own
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the structure says that it is so long, and nobody writes to it during the loan.
        unsafe { std::slice::from_raw_parts(self.address.cast(), self.length) }
    }
}

/// An identity for a call: one of the library's, by its number, or one of the program's.
enum AuthData {
    Own(usize, *mut c_void),
    Program(Identity),
}

impl AuthData {
    fn pointer(&self) -> *mut c_void {
        match self {
            Self::Own(_, address) => *address,
            Self::Program(identity) => identity.pointer(),
        }
    }
}

/// A text for C: absent, short, or longer than anything that is a name or a password.
fn text(input: &mut Input<'_>) -> Option<Vec<u16>> {
    let choice = input.byte();
    let units = || "alice@example.test".encode_utf16().collect();
    let mut text: Vec<u16> = match choice & 7 {
        0 => return None,
        1 => Vec::new(),
        2 | 3 => units(),
        4 => vec![0x61; [511, 512, 513, 0x7ffe, 0x7fff, 0x8000][usize::from(choice >> 3) % 6]],
        _ => input.counted().chunks(2).map(|pair| u16::from_le_bytes([pair[0], *pair.last().unwrap_or(&0)])).collect(),
    };
    text.truncate(text.iter().position(|&unit| unit == 0).unwrap_or(text.len()));
    Some(text)
}

fn memory(text: &Option<Vec<u16>>) -> Option<Memory> {
    text.as_deref().map(Memory::wide)
}

/// The text of the library's at `start`, up to its NUL; `None` for NULL.
fn read(start: *mut c_void) -> Option<Vec<u16>> {
    let at = |index: usize| {
        let place = start.cast::<u16>().wrapping_add(index);
        // SAFETY: the text ends in NUL, and nothing before `index` was one.
        unsafe { place.read() }
    };
    (!start.is_null()).then(|| (0..).map(at).take_while(|&unit| unit != 0).collect())
}

impl<C: Character> Program<C> {
    pub fn identity_helper(&mut self, input: &mut Input<'_>) {
        match input.byte() & 15 {
            0 | 1 => self.encode(input),
            2 => self.strings(input),
            3 => self.copy(input),
            4 => self.compare(input),
            5 => self.ask_identity(input),
            6 => self.marshal(input),
            7 => self.unmarshal(input),
            8 => self.exclude(input),
            9 => self.zero(input),
            10 => {
                if !self.identities.is_empty() {
                    self.free_identity(input.below(self.identities.len()), input.byte());
                }
            }
            11 => self.free_what_is_not_ours(input),
            12 | 13 => self.spoil(input),
            14 => self.target_host_name(input),
            _ => {
                let identity = self.auth_data(input);
                self.acquire_as(&C::text("NTLM"), 2, identity.pointer(), true);
            }
        }
    }

    fn auth_data(&self, input: &mut Input<'_>) -> AuthData {
        let choice = input.byte();
        let index = match choice & 3 {
            0 | 1 => self.identities.len().wrapping_sub(1),
            2 => usize::from(choice >> 2) % self.identities.len().max(1),
            _ => usize::MAX,
        };
        match self.identities.get(index) {
            Some(own) => AuthData::Own(index, own.address),
            None => AuthData::Program(Identity::new(input)),
        }
    }

    /// What is known to be in an identity.
    fn known_strings(&self, identity: &AuthData) -> Option<Strings> {
        match identity {
            AuthData::Own(index, _) => self.identities[*index].strings.clone(),
            AuthData::Program(_) => None,
        }
    }

    /// Keeps an identity that the library has made, or frees it at once.
    fn take_over(&mut self, address: *mut c_void, strings: Option<Strings>) {
        // Where a block was that is free by now: freeing that once more would free this.
        self.blocks.retain(|&block| block != address);
        self.identities.push(Own::new(address, strings));
        if self.identities.len() > MOST_KEPT {
            self.free_identity(0, 0);
        }
    }

    fn is_encrypted(identity: *mut c_void) -> bool {
        // SAFETY: the identity is NULL, or there.
        let answer = unsafe { SspiIsAuthIdentityEncrypted(identity) };
        assert!(answer <= 1);
        answer == 1
    }

    fn encode(&mut self, input: &mut Input<'_>) {
        let strings = [text(input), text(input), text(input)];
        let texts = strings.each_ref().map(memory);
        let [user, domain, password] = texts.each_ref().map(|text| start::<u16>(text.as_ref()).cast_const());
        let mut made = std::ptr::null_mut();
        let place = if input.byte() & 15 == 0 { std::ptr::null_mut() } else { &raw mut made };
        let status = export!(SspiEncodeStringsAsAuthIdentity; user, domain, password, place);
        if !status.is_success() {
            assert!(made.is_null(), "an identity after a failure");
            return;
        }
        self.take_over(made, Some(strings));
        // What was made can be used.
        assert_eq!(export!(SspiValidateAuthIdentity; made), SecurityStatus::SEC_E_OK);
        let status = self.acquire_as(&C::text("NTLM"), 2, made, true);
        assert_eq!(status, SecurityStatus::SEC_E_OK);
    }

    fn strings(&mut self, input: &mut Input<'_>) {
        let identity = self.auth_data(input);
        let (mut found, wanted) = ([std::ptr::null_mut(); 3], input.byte());
        let places = found.each_mut().map(std::ptr::from_mut);
        let place = |index: usize| if wanted >> index & 9 == 9 { std::ptr::null_mut() } else { places[index] };
        let status = export!(SspiEncodeAuthIdentityAsStrings; identity.pointer(), place(0), place(1), place(2));
        let strings = found.map(read);
        self.blocks.extend(found.iter().filter(|block| !block.is_null()));
        assert!(status.is_success() || strings == [None, None, None], "strings after a failure");
        if let Some(known) = self.known_strings(&identity) {
            assert_eq!(status, SecurityStatus::SEC_E_OK);
            for (index, (string, known)) in strings.iter().zip(&known).enumerate() {
                assert!(string == known || place(index).is_null(), "another string came out");
            }
        }
    }

    fn copy(&mut self, input: &mut Input<'_>) {
        let identity = self.auth_data(input);
        let (strings, mut made) = (self.known_strings(&identity), std::ptr::null_mut());
        let place = if input.byte() & 15 == 0 { std::ptr::null_mut() } else { &raw mut made };
        let status = export!(SspiCopyAuthIdentity; identity.pointer(), place);
        if status.is_success() {
            assert!(self.are_same(identity.pointer(), made), "a copy differs");
            assert_eq!(Self::is_encrypted(identity.pointer()), Self::is_encrypted(made));
            self.take_over(made, strings);
        } else {
            assert!(strings.is_none() || place.is_null(), "an identity cannot be copied: {status}");
        }
    }

    /// Whether the library finds two identities, which both are some, the same.
    fn are_same(&self, one: *mut c_void, other: *mut c_void) -> bool {
        let (mut user, mut identity) = (7, 7);
        let status = export!(SspiCompareAuthIdentities; one, other, &raw mut user, &raw mut identity);
        assert_eq!(status, SecurityStatus::SEC_E_OK);
        assert!(user <= 1 && identity <= user);
        identity == 1
    }

    fn compare(&mut self, input: &mut Input<'_>) {
        let (one, other) = (self.auth_data(input), self.auth_data(input));
        let (mut user, mut identity) = (7, 7);
        let place = if input.byte() & 15 == 0 { std::ptr::null_mut() } else { &raw mut user };
        let (one, other) = (one.pointer(), other.pointer());
        let status = export!(SspiCompareAuthIdentities; one, other, place, &raw mut identity);
        assert!(if status.is_success() { identity <= 1 } else { (user, identity) == (7, 7) });
        assert!(one != other || !status.is_success() || identity == 1, "an identity differs from itself");
    }

    /// What only looks at an identity, and leaves it as it is.
    fn ask_identity(&mut self, input: &mut Input<'_>) {
        let identity = self.auth_data(input);
        let (pointer, options) = (identity.pointer(), input.word());
        let is_valid = export!(SspiValidateAuthIdentity; pointer).is_success();
        let encrypted =
            [export!(SspiEncryptAuthIdentity; pointer), export!(SspiEncryptAuthIdentityEx; options, pointer)];
        assert!(encrypted.iter().all(|status| !status.is_success()), "nobody here encrypts");
        let is_encrypted = Self::is_encrypted(pointer);
        for decrypted in
            [export!(SspiDecryptAuthIdentity; pointer), export!(SspiDecryptAuthIdentityEx; options, pointer)]
        {
            assert_eq!(decrypted.is_success(), is_valid && !is_encrypted);
        }
        assert!(is_valid || self.known_strings(&identity).is_none(), "an identity is not valid");
    }

    fn marshal(&mut self, input: &mut Input<'_>) {
        let identity = self.auth_data(input);
        let (mut length, mut bytes, choice) = (0, std::ptr::null_mut(), input.byte());
        let place = if choice & 15 == 0 { std::ptr::null_mut() } else { &raw mut length };
        let bytes_place = if choice >> 4 == 0 { std::ptr::null_mut() } else { &raw mut bytes };
        let status = export!(SspiMarshalAuthIdentity; identity.pointer(), place, bytes_place);
        if !status.is_success() {
            assert!((length, bytes.is_null()) == (0, true), "something after a failure");
            return;
        }
        self.blocks.push(bytes);
        // SAFETY: the library says that so many bytes are there.
        let marshalled = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize) }.to_vec();
        // Anywhere else, it is the same identity.
        let (elsewhere, mut made) = (Memory::new(&marshalled, 0), std::ptr::null_mut());
        let status = export!(SspiUnmarshalAuthIdentity; length, elsewhere.start().cast(), &raw mut made);
        assert_eq!(status, SecurityStatus::SEC_E_OK);
        assert!(self.are_same(identity.pointer(), made), "another identity came out");
        assert_eq!(Self::is_encrypted(identity.pointer()), Self::is_encrypted(made));
        self.take_over(made, self.known_strings(&identity));
        self.keep_token(marshalled);
    }

    fn unmarshal(&mut self, input: &mut Input<'_>) {
        let memory = match input.byte() & 3 {
            0 => Memory::new(&Identity::new(input).structure(), 0),
            _ => self.token_memory(input),
        };
        let length = match input.byte() & 7 {
            0 => input.below(memory.len() + 1),
            _ => memory.len(),
        };
        let is_null = input.byte() & 15 == 0;
        let bytes = if is_null { std::ptr::null_mut() } else { memory.start().cast() };
        let mut made = std::ptr::null_mut();
        let status = export!(SspiUnmarshalAuthIdentity; length as u32, bytes, &raw mut made);
        match status.is_success() {
            true => self.take_over(made, None),
            false => assert!(made.is_null(), "an identity after a failure"),
        }
    }

    fn exclude(&mut self, input: &mut Input<'_>) {
        let (identity, name) = (self.auth_data(input), text(input));
        let name = memory(&name);
        let mut made = std::ptr::null_mut();
        let name = start::<u16>(name.as_ref()).cast_const();
        let status = export!(SspiExcludePackage; identity.pointer(), name, &raw mut made);
        if status.is_success() {
            assert!(self.are_same(identity.pointer(), made), "another identity came out");
            assert_eq!(Self::is_encrypted(identity.pointer()), Self::is_encrypted(made));
            self.take_over(made, self.known_strings(&identity));
        }
    }

    fn zero(&mut self, input: &mut Input<'_>) {
        let identity = self.auth_data(input);
        // SAFETY: the identity is NULL, or there.
        unsafe { SspiZeroAuthIdentity(identity.pointer()) };
        if let AuthData::Own(index, _) = identity {
            let own = &mut self.identities[index];
            let was_whole = own.strings.take().is_some();
            assert!(!was_whole || own.bytes().iter().all(|&byte| byte == 0), "something is left of an identity");
            own.is_zero = true;
        }
        let alice = Identity::alice();
        // SAFETY: as above.
        unsafe { SspiZeroAuthIdentity(alice.pointer()) };
        assert!(alice.content().iter().all(|&byte| byte == 0), "something is left of alice");
    }

    /// Frees one of the library's, by one of the functions that do so, twice.
    pub fn free_identity(&mut self, index: usize, choice: u8) {
        let own = self.identities.remove(index);
        let blocks = ntlm_sspi_live(2);
        for _ in 0..2 {
            match choice % 3 {
                // SAFETY: nothing is asked of the pointer.
                0 => unsafe { SspiFreeAuthIdentity(own.address) },
                // SAFETY: as above.
                1 => unsafe { SspiLocalFree(own.address) },
                _ => {
                    call!(self, FreeContextBuffer(own.address.cast_const()));
                }
            }
            assert_eq!(ntlm_sspi_live(2), blocks - 1);
        }
    }

    fn free_what_is_not_ours(&mut self, input: &mut Input<'_>) {
        let (identity, blocks) = (Identity::new(input), ntlm_sspi_live(2));
        let before = identity.content();
        let inside =
            self.identities.last().map(|own| own.address.cast::<u8>().wrapping_add(1 + input.below(40)).cast());
        for pointer in [identity.pointer(), inside.unwrap_or(std::ptr::null_mut())] {
            // SAFETY: the identity is NULL, or there.
            unsafe { SspiFreeAuthIdentity(pointer) };
            // SAFETY: nothing is asked of the pointer.
            unsafe { SspiLocalFree(pointer) };
        }
        assert_eq!(identity.content(), before, "an identity of the program's was changed");
        assert_eq!(ntlm_sspi_live(2), blocks);
    }

    /// Writes into one of the library's: anything but its form and its length, which the library cannot check.
    fn spoil(&mut self, input: &mut Input<'_>) {
        let count = self.identities.len();
        let Some(own) = self.identities.get_mut(input.below(count)) else { return };
        let place = usize::from(input.byte()) % own.length;
        if own.is_zero || matches!(place, 0..4 | 8..12) {
            return;
        }
        own.strings = None;
        let place = own.address.cast::<u8>().wrapping_add(place);
        // SAFETY: the place is in the block, which is the program's to write to.
        unsafe { *place ^= input.byte() };
    }

    fn target_host_name(&mut self, input: &mut Input<'_>) {
        let target = match input.byte() & 3 {
            0 => text(input),
            _ => Some(String::from_utf8_lossy(input.counted()).encode_utf16().take_while(|&unit| unit != 0).collect()),
        };
        let (memory, mut host) = (memory(&target), std::ptr::null_mut());
        let place = if input.byte() & 15 == 0 { std::ptr::null_mut() } else { &raw mut host };
        let status = export!(SspiGetTargetHostName; start::<u16>(memory.as_ref()).cast_const(), place);
        let (host_text, target) = (read(host), target.unwrap_or_default());
        assert_eq!(status.is_success(), host_text.is_some());
        if let Some(text) = host_text {
            self.blocks.push(host);
            let is_part = text.is_empty() || target.windows(text.len()).any(|part| part == text);
            assert!(is_part, "a host that the target does not name");
        }
    }
}
