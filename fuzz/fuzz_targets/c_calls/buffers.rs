//! Descriptors of buffers, with the memory behind them.

use ntlmsspi::types::{SecBuffer, SecBufferDesc};

use crate::identity::Identity;
use crate::input::{Character, Input, Memory};
use crate::program::Program;

pub const DATA: u32 = 1;
pub const TOKEN: u32 = 2;
pub const CHANNEL_BINDINGS: u32 = 14;
const PKG_PARAMS: u32 = 3;
const STREAM: u32 = 10;
/// What of a BufferType is the type.
const TYPE: u32 = 0x0FFF_FFFF;

/// The buffers of a descriptor, with the memory behind them.
pub struct Buffers {
    pub memory: Vec<Memory>,
    pub entries: Vec<SecBuffer>,
    pub version: u32,
    pub is_null: bool,
    /// What PKG_PARAMS point to.
    identities: Vec<Identity>,
}

impl Buffers {
    pub fn of(entries: Vec<(u32, Memory)>) -> Self {
        let entry = |(kind, memory): &(u32, Memory)| SecBuffer {
            cbBuffer: memory.len() as u32,
            BufferType: *kind,
            pvBuffer: memory.start().cast(),
        };
        let buffers = entries.iter().map(entry).collect();
        let memory = entries.into_iter().map(|(_, memory)| memory).collect();
        Self { memory, entries: buffers, version: 0, is_null: false, identities: Vec::new() }
    }

    /// One TOKEN for the library to fill with memory of its own.
    pub fn to_fill() -> Self {
        let entry = SecBuffer { cbBuffer: 0, BufferType: TOKEN, pvBuffer: std::ptr::null_mut() };
        Self { entries: vec![entry], ..Self::of(Vec::new()) }
    }

    /// One TOKEN with room for any token.
    pub fn with_room() -> Self {
        Self::of(vec![(TOKEN, Memory::new(&[0; 2888], 32))])
    }

    /// The first TOKEN.
    pub fn token(&self) -> Option<&SecBuffer> {
        self.entries.iter().find(|entry| entry.BufferType & TYPE == TOKEN)
    }

    /// Calls `f` with the descriptor and looks at the guards afterwards.
    pub fn with<T>(&mut self, f: impl FnOnce(*mut SecBufferDesc) -> T) -> T {
        let mut descriptor = SecBufferDesc {
            ulVersion: self.version,
            cBuffers: self.entries.len() as u32,
            pBuffers: self.entries.as_mut_ptr().cast(),
        };
        let before = self.entries.clone();
        let answer = f(if self.is_null { std::ptr::null_mut() } else { &raw mut descriptor });
        for memory in &self.memory {
            memory.check();
        }
        for (entry, before) in self.entries.iter().zip(before) {
            assert_eq!(entry.BufferType, before.BufferType, "the type of a buffer was changed");
        }
        answer
    }

    /// What an identity in a buffer points to is the program's to vouch for.
    fn add_identities(&mut self, input: &mut Input<'_>) {
        for (entry, memory) in self.entries.iter_mut().zip(&mut self.memory) {
            if entry.BufferType & TYPE == PKG_PARAMS {
                let identity = Identity::new(input);
                *memory = Memory::new(&identity.structure(), 0);
                (entry.cbBuffer, entry.pvBuffer) = (memory.len() as u32, memory.start().cast());
                self.identities.push(identity);
            }
        }
    }
}

fn guard(input: &mut Input<'_>) -> usize {
    usize::from(input.byte() & 1) * 32
}

impl<C: Character> Program<C> {
    /// A token of this program's in memory of its own.
    pub fn token_memory(&self, input: &mut Input<'_>) -> Memory {
        Memory::new(&self.token(input), guard(input))
    }

    /// Buffers of any kind and number.
    pub fn random_buffers(&self, input: &mut Input<'_>) -> Buffers {
        let count = input.below(6);
        let kind = |input: &mut Input<'_>| match input.byte() {
            0..=95 => TOKEN,
            96..=160 => DATA,
            161..=180 => CHANNEL_BINDINGS,
            181..=195 => STREAM,
            196..=205 => PKG_PARAMS,
            other => u32::from(other) % 26,
        };
        let entries = (0..count).map(|_| {
            let kind = kind(input);
            let attributes = match input.byte() & 15 {
                0 => 0x8000_0000,
                1 => 0x1000_0000,
                2 => input.word() & !TYPE,
                _ => 0,
            };
            let content = match input.byte() & 3 {
                0 => vec![0x55; usize::from(input.byte()) * 16],
                1 => vec![0; usize::from(input.byte() & 63)],
                2 => input.bytes(64).to_vec(),
                _ => self.token(input),
            };
            (kind | attributes, Memory::new(&content, guard(input)))
        });
        let mut buffers = Buffers::of(entries.collect());
        buffers.add_identities(input);
        match input.byte() & 31 {
            0 => buffers.version = input.word(),
            1 => buffers.is_null = true,
            // No memory behind a buffer.
            2 | 3 => {
                if let Some(entry) = buffers.entries.first_mut() {
                    entry.pvBuffer = std::ptr::null_mut();
                }
            }
            // Two buffers in the same memory.
            4 | 5 => {
                if let [first, .., last] = buffers.entries.as_mut_slice()
                    && last.BufferType & TYPE != PKG_PARAMS
                {
                    let kind = last.BufferType;
                    *last = SecBuffer { BufferType: kind, ..*first };
                    let cut = last.cbBuffer.min(u32::from(input.byte()));
                    last.cbBuffer -= cut;
                    last.pvBuffer = last.pvBuffer.cast::<u8>().wrapping_add(cut as usize).cast();
                }
            }
            // One that says it is shorter.
            6 | 7 => {
                if let Some(entry) = buffers.entries.last_mut() {
                    entry.cbBuffer = entry.cbBuffer.min(u32::from(input.byte()));
                }
            }
            _ => {}
        }
        buffers
    }

    /// The input of a leg: mostly a token, and something beside it at times.
    pub fn leg_input(&self, input: &mut Input<'_>) -> Buffers {
        if input.byte() & 7 == 0 {
            return self.random_buffers(input);
        }
        let mut entries = vec![(TOKEN, self.token_memory(input))];
        if input.byte() & 7 == 0 {
            let bindings = Memory::new(&self.bindings, 0);
            if input.byte() & 1 == 0 {
                bindings.flip(input.below(bindings.len()), input.byte());
            }
            entries.push((CHANNEL_BINDINGS, bindings));
        }
        Buffers::of(entries)
    }

    pub fn leg_output(&self, input: &mut Input<'_>, allocate: bool) -> Buffers {
        match input.byte() & 15 {
            0 => self.random_buffers(input),
            1 => Buffers { is_null: true, ..Buffers::to_fill() },
            2 => Buffers::of(vec![(TOKEN, Memory::new(&vec![0; usize::from(input.byte())], 32))]),
            _ if allocate => Buffers::to_fill(),
            _ => Buffers::with_room(),
        }
    }
}
