//! `ntlm_sspi.h`.

use std::ffi::CStr;

use ntlm_sspi::SecurityStatus;
use ntlmsspi::extension::*;
use ntlmsspi::types::{SEC_CHAR, SecBuffer};

use crate::buffers::CHANNEL_BINDINGS;
use crate::callbacks::{self, Answer, RIGHT_HASH, one_line};
use crate::certificate::certificate;
use crate::input::{Character, Input, Memory, start};
use crate::program::{NOWHERE, Program, export};

const HEADER: usize = 32;

/// A text for C of any bytes; `None` for NULL.
fn text(input: &mut Input<'_>) -> Option<Memory> {
    match input.byte() & 7 {
        0 => None,
        1 => Some(Memory::narrow(b"NTLM")),
        2 => Some(Memory::narrow(b"alice")),
        3 => Some(Memory::narrow(b"EXAMPLE")),
        4 => Some(Memory::narrow(b"Passw0rd!")),
        _ => Some(Memory::narrow(input.counted())),
    }
}

impl<C: Character> Program<C> {
    pub fn extension(&mut self, input: &mut Input<'_>) {
        match input.byte() & 15 {
            0..=2 => callbacks::set_authority(Answer::new(input)),
            3 => callbacks::reset(),
            4 | 5 => callbacks::set_log(),
            6 => self.acquire_with_nt_hash(input),
            7 => Self::nt_hash(input),
            8..=11 => self.bindings_from_certificate(input),
            12 | 13 => self.bindings_from_data(input),
            _ => Self::texts(input),
        }
    }

    fn acquire_with_nt_hash(&mut self, input: &mut Input<'_>) {
        let [package, user, domain] = [text(input), text(input), text(input)];
        let usage = match input.byte() & 15 {
            0 => input.word(),
            choice => u32::from(choice & 3),
        };
        let (choice, mut handle) = (input.byte(), NOWHERE);
        let hash = match choice & 7 {
            0 => None,
            1 => Some(input.array()),
            2 => Some([0; 16]),
            _ => Some(RIGHT_HASH),
        };
        let hash = hash.map(|hash| Memory::new(&hash, 0));
        let place = if choice >> 4 == 0 { std::ptr::null_mut() } else { &raw mut handle };
        let mut expiry = 0;
        let expiry = if choice & 8 == 0 { std::ptr::null_mut() } else { &raw mut expiry };
        let [package, user, domain] =
            [&package, &user, &domain].map(|text| start::<SEC_CHAR>(text.as_ref()).cast_const());
        let hash = start::<HashBytes>(hash.as_ref()).cast_const();
        let status = export!(ntlm_sspi_acquire_with_nt_hash; package, usage, user, domain, hash, place, expiry);
        match status.is_success() {
            true => self.credentials.push(handle),
            false => assert!(handle.dwLower == usize::MAX, "a handle after a failure"),
        }
    }

    fn nt_hash(input: &mut Input<'_>) {
        let (password, hash) = (text(input), Memory::new(&[0x77; 16], 32));
        let place = if input.byte() & 15 == 0 { std::ptr::null_mut() } else { hash.start().cast() };
        let status = export!(ntlm_sspi_nt_hash; start::<SEC_CHAR>(password.as_ref()).cast_const(), place);
        hash.check();
        assert_eq!(status.is_success(), hash.content() != [0x77; 16]);
    }

    /// Keeps the bindings that were made, for both sides of exchanges; gives their application data.
    fn take_bindings_over(&mut self, status: SecurityStatus, made: &SecBuffer) -> Option<Vec<u8>> {
        if !status.is_success() {
            assert_eq!((made.cbBuffer, made.BufferType, made.pvBuffer.is_null()), (7, 7, true));
            return None;
        }
        assert_eq!(made.BufferType, CHANNEL_BINDINGS);
        // SAFETY: the library says that so many bytes are there.
        let bytes = unsafe { std::slice::from_raw_parts(made.pvBuffer.cast::<u8>(), made.cbBuffer as usize) };
        self.bindings = bytes.to_vec();
        self.blocks.push(made.pvBuffer);
        let word = |index: usize| bytes.as_chunks::<4>().0.get(index).map(|word| u32::from_ne_bytes(*word) as usize);
        let (Some(length), Some(offset)) = (word(6), word(7)) else { panic!("no header") };
        assert_eq!((offset, bytes.len()), (HEADER, HEADER + length));
        Some(bytes[HEADER..].to_vec())
    }

    fn bindings_from_certificate(&mut self, input: &mut Input<'_>) {
        let der = certificate(input);
        let mut made = SecBuffer { cbBuffer: 7, BufferType: 7, pvBuffer: std::ptr::null_mut() };
        let (bytes, length, place) = Self::counted(&der, &mut made, input);
        let status = export!(ntlm_sspi_channel_bindings_from_certificate; bytes, length, place);
        if let Some(data) = self.take_bindings_over(status, &made) {
            let hash = data.strip_prefix(b"tls-server-end-point:").expect("the prefix of RFC 5929");
            assert!(matches!(hash.len(), 28 | 32 | 48 | 64));
        }
    }

    fn bindings_from_data(&mut self, input: &mut Input<'_>) {
        let data = Memory::new(input.counted(), 0);
        let mut made = SecBuffer { cbBuffer: 7, BufferType: 7, pvBuffer: std::ptr::null_mut() };
        let (bytes, length, place) = Self::counted(&data, &mut made, input);
        let status = export!(ntlm_sspi_channel_bindings_from_data; bytes, length, place);
        if let Some(found) = self.take_bindings_over(status, &made) {
            assert_eq!(found, data.content()[..length]);
        }
    }

    /// Bytes, or NULL, with a length that is not too great, and a place, or NULL.
    fn counted(memory: &Memory, made: &mut SecBuffer, input: &mut Input<'_>) -> (*const u8, usize, *mut SecBuffer) {
        let place = std::ptr::from_mut(made);
        let bytes = memory.start().cast_const();
        match input.byte() & 31 {
            0 => (std::ptr::null(), memory.len(), place),
            1 => (std::ptr::null(), usize::MAX, place),
            2 => (bytes, 0, place),
            3 => (bytes, input.below(memory.len() + 1), place),
            4 => (bytes, memory.len(), std::ptr::null_mut()),
            _ => (bytes, memory.len(), place),
        }
    }

    /// What answers with a text or a number.
    fn texts(input: &mut Input<'_>) {
        one_line(ntlm_sspi_version());
        one_line(ntlm_sspi_last_error());
        let status = match input.byte() & 1 {
            0 => SecurityStatus(input.word().cast_signed()),
            _ => SecurityStatus(0x8009_0300_u32.cast_signed() | i32::from(input.byte())),
        };
        // SAFETY: the name ends in NUL and lives as long as the process.
        let name = unsafe { CStr::from_ptr(ntlm_sspi_status_name(status.0)) };
        assert_eq!(name.to_bytes(), status.name().unwrap_or_default().as_bytes());
        assert_eq!(ntlm_sspi_live(input.word().max(3)), 0);
    }
}
