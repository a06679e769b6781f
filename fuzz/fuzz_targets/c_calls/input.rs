//! Bytes to choose by, and memory of the program's.

use std::ffi::CString;

use ntlmsspi::types::{SEC_CHAR, SEC_WCHAR, SecHandle};

const GUARD: u8 = 0xA5;

/// Bytes to choose by; zeros when they are used up.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    pub fn word(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let length = most.min(self.0.len());
        self.0.split_off(..length).unwrap_or_default()
    }

    /// As many bytes as the first one says.
    pub fn counted(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte());
        self.bytes(length)
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }
}

/// Memory of the program's: exactly as long as it says, so that AddressSanitizer sees the first byte behind it, or with guards around it.
pub struct Memory {
    all: Box<[std::cell::UnsafeCell<u8>]>,
    guard: usize,
}

impl Memory {
    pub fn new(bytes: &[u8], guard: usize) -> Self {
        let guards = std::iter::repeat_n(GUARD, guard);
        let all = guards.clone().chain(bytes.iter().copied()).chain(guards);
        Self { all: all.map(std::cell::UnsafeCell::new).collect(), guard }
    }

    /// UTF-16 up to the first NUL, and one.
    pub fn wide(units: &[u16]) -> Self {
        let units = units.iter().copied().take_while(|&unit| unit != 0).chain([0]);
        Self::new(&units.flat_map(u16::to_ne_bytes).collect::<Vec<_>>(), 0)
    }

    /// Bytes up to the first NUL, and one.
    pub fn narrow(bytes: &[u8]) -> Self {
        Self::new(&bytes.iter().copied().take_while(|&byte| byte != 0).chain([0]).collect::<Vec<_>>(), 0)
    }

    pub fn len(&self) -> usize {
        self.all.len() - 2 * self.guard
    }

    pub fn start(&self) -> *mut u8 {
        self.all.as_ptr().cast::<u8>().cast_mut().wrapping_add(self.guard)
    }

    fn get(&self, index: usize) -> u8 {
        // SAFETY: nobody else uses the memory between calls.
        unsafe { *self.all[index].get() }
    }

    pub fn content(&self) -> Vec<u8> {
        (self.guard..self.all.len() - self.guard).map(|index| self.get(index)).collect()
    }

    /// Changes a byte.
    pub fn flip(&self, place: usize, change: u8) {
        let place = self.start().wrapping_add(place % self.len());
        // SAFETY: the place is inside the memory, which nobody else uses between calls.
        unsafe { *place ^= change };
    }

    /// Fails when a guard was written.
    pub fn check(&self) {
        let outside = (0..self.guard).chain(self.all.len() - self.guard..self.all.len());
        for index in outside {
            assert_eq!(self.get(index), GUARD, "a byte outside of a buffer of {} bytes was written", self.len());
        }
    }
}

/// Characters of the tables.
pub trait Character: Copy + 'static {
    /// The text with its NUL, and no byte behind that.
    fn text(text: &str) -> Box<[Self]>;
}

impl Character for SEC_WCHAR {
    fn text(text: &str) -> Box<[Self]> {
        text.encode_utf16().filter(|&unit| unit != 0).chain([0]).collect()
    }
}

impl Character for SEC_CHAR {
    fn text(text: &str) -> Box<[Self]> {
        let text = CString::new(text.replace('\0', "")).expect("no NUL is left");
        text.to_bytes_with_nul().iter().map(|&byte| Self::from_ne_bytes([byte])).collect()
    }
}

/// A text for C; NULL when there is not even a NUL.
pub fn pointer<C>(text: &[C]) -> *const C {
    if text.is_empty() { std::ptr::null() } else { text.as_ptr() }
}

/// The start of the memory; NULL for none.
pub fn start<T>(memory: Option<&Memory>) -> *mut T {
    memory.map_or(std::ptr::null_mut(), |memory| memory.start().cast())
}

/// A handle for C; NULL for none.
pub fn optional(handle: &Option<SecHandle>) -> *const SecHandle {
    handle.as_ref().map_or(std::ptr::null(), std::ptr::from_ref)
}
