//! Memory that is handed out to C: what FreeContextBuffer and SspiLocalFree take back.
//!
//! Every block that is out is known by its address, so that a pointer that is not one of ours is refused instead of freed. All blocks are wiped
//! before they are freed: tokens, session keys and identities are among them.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use ntlm_sspi::SecurityStatus;
use zeroize::Zeroize as _;

use crate::frame::Answer;
use crate::types::Plain;

/// Enough for every structure, and what malloc gives.
const ALIGNMENT: usize = 16;

/// A block that is not handed out yet. Dropped, it is freed.
pub(crate) struct Block {
    address: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a block owns its memory as a `Box` does.
unsafe impl Send for Block {}

/// The blocks that are out, by address.
static GIVEN: Mutex<BTreeMap<usize, Block>> = Mutex::new(BTreeMap::new());

impl Block {
    /// A block of zeros.
    pub(crate) fn new(length: usize) -> Answer<Self> {
        let layout = Layout::from_size_align(length.max(1), ALIGNMENT);
        let layout = layout.map_err(|_| SecurityStatus::SEC_E_INSUFFICIENT_MEMORY)?;
        // SAFETY: the layout has at least one byte.
        let address = unsafe { std::alloc::alloc_zeroed(layout) };
        let address = NonNull::new(address).ok_or(SecurityStatus::SEC_E_INSUFFICIENT_MEMORY)?;
        Ok(Self { address, layout })
    }

    /// A block with these bytes in it.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Answer<Self> {
        let mut block = Self::new(bytes.len())?;
        block.put_bytes(0, bytes)?;
        Ok(block)
    }

    /// A block with this text in it, with its NUL.
    pub(crate) fn of_units<C: Plain>(units: &[C]) -> Answer<Self> {
        let mut block = Self::new(size_of_val(units))?;
        for (index, &unit) in units.iter().enumerate() {
            block.put(index * size_of::<C>(), unit)?;
        }
        Ok(block)
    }

    /// Writes `value` at `offset`.
    pub(crate) fn put<T: Plain>(&mut self, offset: usize, value: T) -> Answer {
        let end = offset.checked_add(size_of::<T>()).filter(|&end| end <= self.layout.size());
        end.ok_or(SecurityStatus::SEC_E_INTERNAL_ERROR)?;
        let place = self.address.as_ptr().wrapping_add(offset).cast::<T>();
        // SAFETY: the place and all of the value lie inside the block, which nobody else has yet.
        unsafe { place.write_unaligned(value) }
        Ok(())
    }

    /// Writes bytes at `offset`.
    pub(crate) fn put_bytes(&mut self, offset: usize, bytes: &[u8]) -> Answer {
        let place = offset.checked_add(bytes.len()).and_then(|end| self.bytes_mut().get_mut(offset..end));
        place.ok_or(SecurityStatus::SEC_E_INTERNAL_ERROR)?.copy_from_slice(bytes);
        Ok(())
    }

    /// The address that `offset` will have for C.
    pub(crate) fn pointer(&self, offset: usize) -> *mut c_void {
        self.address.as_ptr().wrapping_add(offset).cast()
    }

    /// How long it is.
    pub(crate) fn length(&self) -> usize {
        self.layout.size()
    }

    /// Hands the block out.
    pub(crate) fn give(self) -> *mut c_void {
        let address = self.pointer(0);
        given().insert(address as usize, self);
        address
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the block owns that many bytes, all of them initialized when it was made; C may have them only in `GIVEN`, where nobody calls this
        // but `drop`.
        unsafe { std::slice::from_raw_parts_mut(self.address.as_ptr(), self.layout.size()) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.bytes_mut().zeroize();
        // SAFETY: the memory was allocated with this layout, and is freed once.
        unsafe { std::alloc::dealloc(self.address.as_ptr(), self.layout) }
    }
}

/// Takes a block back and frees it. NULL is no error, anything that is not out is SEC_E_INVALID_HANDLE.
pub(crate) fn free(address: *const c_void) -> Answer {
    if address.is_null() {
        return Ok(());
    }
    let block = given().remove(&(address as usize));
    // Wiped and freed after the lock is released.
    block.map(drop).ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)
}

/// How long the block at `address` is; `None` when it is not out.
pub(crate) fn length(address: *const c_void) -> Option<usize> {
    given().get(&(address as usize)).map(|block| block.layout.size())
}

/// How many blocks are out, for tests that look for leaks.
pub(crate) fn outstanding() -> usize {
    given().len()
}

fn given() -> std::sync::MutexGuard<'static, BTreeMap<usize, Block>> {
    // Insertion and removal leave a whole map.
    GIVEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_taken_back_once() {
        let block = Block::of_bytes(b"token").unwrap();
        let address = block.give();
        assert_eq!(length(address), Some(5));
        let inside = (address as usize + 1) as *const c_void;
        assert_eq!(free(inside), Err(SecurityStatus::SEC_E_INVALID_HANDLE));
        assert_eq!(free(address), Ok(()));
        assert_eq!(free(address), Err(SecurityStatus::SEC_E_INVALID_HANDLE));
        assert_eq!(free(std::ptr::null()), Ok(()));
    }

    #[test]
    fn nothing_is_written_outside_a_block() {
        let mut block = Block::new(8).unwrap();
        assert_eq!(block.put(4, 1_u32), Ok(()));
        assert_eq!(block.put(5, 1_u32), Err(SecurityStatus::SEC_E_INTERNAL_ERROR));
        assert_eq!(block.put(usize::MAX, 1_u32), Err(SecurityStatus::SEC_E_INTERNAL_ERROR));
        assert_eq!(block.put_bytes(7, b"ab"), Err(SecurityStatus::SEC_E_INTERNAL_ERROR));
        assert_eq!(block.bytes_mut(), [0, 0, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn a_block_that_there_is_no_memory_for_is_insufficient_memory() {
        // No layout is so large; then one that is, and that no machine has.
        for length in [usize::MAX, isize::MAX as usize - (ALIGNMENT - 1)] {
            assert_eq!(Block::new(length).err(), Some(SecurityStatus::SEC_E_INSUFFICIENT_MEMORY), "{length:#x}");
        }
        assert!(Layout::from_size_align(isize::MAX as usize - (ALIGNMENT - 1), ALIGNMENT).is_ok());
    }

    #[test]
    fn addresses_suit_every_structure() {
        for length in [0, 1, 17, 4096] {
            assert_eq!(Block::new(length).unwrap().pointer(0) as usize % ALIGNMENT, 0);
        }
    }
}
