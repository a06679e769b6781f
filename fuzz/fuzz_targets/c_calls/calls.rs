//! The functions of the tables but for the legs: messages, attributes, what moves a context, and what does nothing.

use ntlmsspi::types::SecBuffer;

use crate::buffers::{Buffers, DATA, TOKEN};
use crate::input::{Character, Input, Memory, optional, pointer};
use crate::program::{NOWHERE, Program, call};

const DUMMY_SIGNATURE: [u8; 16] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

impl<C: Character> Program<C> {
    pub fn message(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        // From one of the last two contexts to the other, as it should be.
        if choice & 3 != 0
            && let [.., client, server] = *self.contexts.as_slice()
        {
            let (from, to) = if choice & 4 == 0 { (client, server) } else { (server, client) };
            let text = vec![0x61; usize::from(input.byte())];
            let parts = vec![(TOKEN, Memory::new(&[0; 16], 32)), (DATA, Memory::new(&text, 32))];
            let mut buffers = Buffers::of(parts);
            let (number, mut quality) = (u32::from(input.byte() & 1), 77);
            let sealed = choice & 8 == 0;
            let status = buffers.with(|message| match sealed {
                true => call!(self, EncryptMessage(&raw const from, 0, message, number)),
                false => call!(self, MakeSignature(&raw const from, 0, message, number)),
            });
            if !status.is_success() {
                return;
            }
            let changed = choice & 0xF0 == 0;
            if changed && let Some(memory) = buffers.memory.get(input.below(2)).filter(|memory| memory.len() > 0) {
                memory.flip(input.below(memory.len()), 1 << (choice & 7));
            }
            let status = buffers.with(|message| match sealed {
                true => call!(self, DecryptMessage(&raw const to, message, number, &raw mut quality)),
                false => call!(self, VerifySignature(&raw const to, message, number, &raw mut quality)),
            });
            assert_eq!(quality, if status.is_success() { 0 } else { 77 });
            // Contexts that were made without integrity sign with what proves nothing.
            let [signature, text_now] = [0, 1].map(|index: usize| buffers.memory[index].content());
            let proves_nothing = signature == DUMMY_SIGNATURE;
            let unchanged = text_now == text || changed && proves_nothing;
            assert!(!status.is_success() || unchanged, "a message came out changed");
            return;
        }
        let context = self.context(input);
        let (quality, number) = ([0, 0x8000_0001, 0x4000_0000, 7][input.below(4)], u32::from(input.byte()));
        let mut buffers = self.random_buffers(input);
        let (context, mut found) = (optional(&context), 77);
        buffers.with(|message| match choice >> 2 & 3 {
            0 => call!(self, MakeSignature(context, quality, message, number)),
            1 => call!(self, VerifySignature(context, message, number, &raw mut found)),
            2 => call!(self, EncryptMessage(context, quality, message, number)),
            _ => call!(self, DecryptMessage(context, message, number, &raw mut found)),
        });
    }

    /// Keeps what an attribute's structure points to: whatever in it is a block of the library's will be freed.
    fn keep_pointers(&mut self, memory: &Memory) {
        let content = memory.content();
        for word in content.as_chunks::<8>().0 {
            let address = usize::from_ne_bytes(*word);
            if address != 0 {
                self.blocks.push(std::ptr::without_provenance_mut(address));
            }
        }
    }

    pub fn attribute(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        let attribute = match input.byte() {
            255 => input.word(),
            254 => 0x8000_0000 | u32::from(input.byte()),
            other => u32::from(other) % 36,
        };
        // With the size of the structure, or with room for each.
        let with_size = input.byte() & 1 == 0;
        let room = if with_size { input.below(49) } else { 48 };
        let memory = Memory::new(&vec![0; room], 32);
        let place = if input.byte() & 31 == 0 { std::ptr::null_mut() } else { memory.start().cast() };
        let context = optional(&context);
        let status = match with_size {
            true => call!(self, QueryContextAttributesEx(context, attribute, place, room as u32)),
            false => call!(self, QueryContextAttributes(context, attribute, place)),
        };
        memory.check();
        if status.is_success() {
            self.keep_pointers(&memory);
        }
    }

    pub fn credential_attribute(&mut self, input: &mut Input<'_>) {
        let credential = self.credential(input);
        let attribute = u32::from(input.byte() & 3);
        let room = input.below(17);
        let memory = Memory::new(&vec![0; room], 32);
        let (handle, place) = (optional(&credential), memory.start().cast());
        let status = call!(self, QueryCredentialsAttributesEx(handle, attribute, place, room as u32));
        memory.check();
        if status.is_success() {
            self.keep_pointers(&memory);
        }
    }

    pub fn free(&mut self, input: &mut Input<'_>) {
        let foreign = Memory::new(&[0; 16], 0);
        let block = match input.byte() & 3 {
            0 => foreign.start().cast(),
            1 => std::ptr::null_mut(),
            2 => std::ptr::without_provenance_mut(input.word() as usize),
            // It stays in the list, and is freed again.
            _ => self.blocks.get(input.below(self.blocks.len())).copied().unwrap_or(std::ptr::null_mut()),
        };
        call!(self, FreeContextBuffer(block.cast_const()));
    }

    pub fn export(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        let flags = if input.byte() & 3 == 0 { u32::from(input.byte()) } else { 2 };
        let mut packed = SecBuffer { cbBuffer: 0, BufferType: 0, pvBuffer: std::ptr::null_mut() };
        let place = if input.byte() & 15 == 0 { std::ptr::null_mut() } else { &raw mut packed };
        let status = call!(self, ExportSecurityContext(optional(&context), flags, place, std::ptr::null_mut()));
        if status.is_success() {
            // SAFETY: the library says that so many bytes are there.
            let bytes = unsafe { std::slice::from_raw_parts(packed.pvBuffer.cast::<u8>(), packed.cbBuffer as usize) };
            let bytes = bytes.to_vec();
            self.keep_token(bytes);
            self.blocks.push(packed.pvBuffer);
        }
    }

    pub fn import(&mut self, input: &mut Input<'_>) {
        let package = Self::package(input);
        let memory = self.token_memory(input);
        let length = memory.len() as u32;
        let mut packed = SecBuffer { cbBuffer: length, BufferType: 0, pvBuffer: memory.start().cast() };
        let mut context = NOWHERE;
        let (package, place) = (pointer(&package), &raw mut packed);
        let status = call!(self, ImportSecurityContext(package, place, std::ptr::null_mut(), &raw mut context));
        memory.check();
        if status.is_success() {
            self.contexts.push(context);
        }
    }

    pub fn packages(&mut self, input: &mut Input<'_>) {
        let (mut count, mut block) = (0, std::ptr::null_mut());
        let status = match input.byte() & 1 {
            0 => call!(self, EnumerateSecurityPackages(&raw mut count, &raw mut block)),
            _ => {
                let package = Self::package(input);
                call!(self, QuerySecurityPackageInfo(pointer(&package), &raw mut block))
            }
        };
        if status.is_success() {
            self.blocks.push(block);
        }
    }

    /// Functions that never do anything.
    pub fn unsupported(&mut self, input: &mut Input<'_>) {
        let (context, credential) = (self.context(input), self.credential(input));
        let (context, credential, null) = (optional(&context), optional(&credential), std::ptr::null_mut());
        let status = match input.byte() % 9 {
            0 => call!(self, CompleteAuthToken(context, null)),
            1 => call!(self, ApplyControlToken(context, null)),
            2 => call!(self, ImpersonateSecurityContext(context)),
            3 => call!(self, RevertSecurityContext(context)),
            4 => call!(self, QuerySecurityContextToken(context, null)),
            5 => call!(self, SetContextAttributes(context, input.word(), null, 0)),
            6 => call!(self, SetCredentialsAttributes(credential, input.word(), null, 0)),
            7 => call!(self, AddCredentials(credential, null, null, 0, null, null, null, null)),
            _ => {
                let package = Self::package(input);
                call!(self, ChangeAccountPassword(pointer(&package), null, null, null, null, 0, 0, null))
            }
        };
        assert!(!status.is_success(), "a function that does nothing answers {status}");
    }
}
