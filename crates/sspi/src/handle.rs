//! Handles: two words that name a slot and its generation, and are never a pointer.
//!
//! A handle that is random, stale, of the other kind or of another process finds nothing. One that was deleted is known as such: its generation is one that its slot
//! has had.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{PoisonError, RwLock};

/// CredHandle or CtxtHandle: two words of pointer size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecHandle {
    /// dwLower.
    pub lower: usize,
    /// dwUpper.
    pub upper: usize,
}

impl SecHandle {
    /// What SecInvalidateHandle makes of a handle.
    pub const INVALID: Self = Self { lower: usize::MAX, upper: usize::MAX };

    /// SEC_DELETED_HANDLE in both words.
    pub const DELETED: Self = Self { lower: usize::MAX - 1, upper: usize::MAX - 1 };
}

/// What a handle turned out to be.
#[derive(Debug)]
pub enum Lookup<T> {
    /// Something that lives, or did until it was taken out.
    Found(T),
    /// Something that was there and is gone.
    Deleted,
    /// Nothing that was ever given out.
    Unknown,
}

impl<T> Lookup<T> {
    /// What was found; nothing else.
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(value) => Some(value),
            Self::Deleted | Self::Unknown => None,
        }
    }
}

struct Slot<T> {
    generation: u32,
    /// dwUpper of the handle of this generation, so that what lives is found without unsealing anything.
    upper: usize,
    value: Option<T>,
}

struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
}

impl<T> Slots<T> {
    fn slot(&self, handle: SecHandle) -> Option<&Slot<T>> {
        self.slots.get(slot_of(handle)?)
    }

    fn live(&self, handle: SecHandle) -> Option<&T> {
        self.slot(handle).filter(|slot| slot.upper == handle.upper)?.value.as_ref()
    }

    fn live_mut(&mut self, handle: SecHandle) -> Option<&mut T> {
        self.slots.get_mut(slot_of(handle)?).filter(|slot| slot.upper == handle.upper)?.value.as_mut()
    }
}

/// The things that handles of one kind name.
pub struct HandleTable<T> {
    slots: RwLock<Slots<T>>,
    /// Make the words of a handle hard to hit upon and different for each kind, so that no handle is taken for another.
    seal: [u64; 2],
}

impl<T> HandleTable<T> {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        let random = RandomState::new();
        let seal = [0, 1].map(|number: u8| random.hash_one(number));
        Self { slots: RwLock::new(Slots { slots: Vec::new(), free: Vec::new() }), seal }
    }

    /// Puts something in and gives its handle. Neither word is ever 0, -1 or -2.
    pub fn insert(&self, value: T) -> SecHandle {
        let mut table = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let index = match table.free.pop() {
            Some(index) => index,
            None => {
                table.slots.push(Slot { generation: 0, upper: 0, value: None });
                table.slots.len() - 1
            }
        };
        let generation = table.slots.get(index).map_or(0, |slot| slot.generation + 1);
        let handle = self.handle(index, generation);
        if let Some(slot) = table.slots.get_mut(index) {
            *slot = Slot { generation, upper: handle.upper, value: Some(value) };
        }
        handle
    }

    /// What `f` gives for the thing that a handle names; `None` when nothing lives there. The table waits as long: `f` is short and asks it for nothing.
    pub fn with<R>(&self, handle: SecHandle, f: impl FnOnce(&T) -> R) -> Option<R> {
        let table = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        table.live(handle).map(f)
    }

    /// As [`with`](Self::with), for what `f` changes.
    pub fn with_mut<R>(&self, handle: SecHandle, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut table = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        table.live_mut(handle).map(f)
    }

    /// Takes out what a handle names.
    pub fn remove(&self, handle: SecHandle) -> Lookup<T> {
        let mut table = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = slot_of(handle) else { return Lookup::Unknown };
        let Some(slot) = table.slots.get_mut(index) else { return Lookup::Unknown };
        let generation = slot.generation;
        let value = if slot.upper == handle.upper { slot.value.take() } else { None };
        let Some(value) = value else { return self.gone(handle, generation) };
        // A slot whose generations are used up is never used again; -1 and -2 are none.
        if generation < u32::MAX - 2 {
            table.free.push(index);
        }
        Lookup::Found(value)
    }

    /// How many handles are live.
    pub fn len(&self) -> usize {
        let table = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        table.slots.len() - table.free.len()
    }

    /// Whether no handle is live.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn handle(&self, index: usize, generation: u32) -> SecHandle {
        // The lower word is the slot; the upper one the generation under a seal of slot and generation.
        let lower = index + 1;
        let upper = match usize::BITS {
            64.. => (self.sealed(lower, generation) << 32 | u64::from(generation)) as usize,
            _ => generation as usize,
        };
        SecHandle { lower, upper }
    }

    /// What a handle is that names nothing that lives: one of its slot's generations, up to `last`, or none.
    fn gone(&self, handle: SecHandle, last: u32) -> Lookup<T> {
        let generation = (handle.upper as u64 & u64::from(u32::MAX)) as u32;
        let given = (1..=last).contains(&generation)
            && slot_of(handle).is_some_and(|index| self.handle(index, generation) == handle);
        if given { Lookup::Deleted } else { Lookup::Unknown }
    }

    /// 31 bits that only this table makes of slot and generation.
    fn sealed(&self, lower: usize, generation: u32) -> u64 {
        // No secret depends on it: two multiplications mix well enough what no program makes up on purpose.
        let [first, second] = self.seal;
        let mixed = (lower as u64 ^ first).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 32 ^ u64::from(generation) ^ second).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed ^ mixed >> 32) >> 33
    }
}

/// The slot that a handle would be of.
fn slot_of(handle: SecHandle) -> Option<usize> {
    handle.lower.checked_sub(1)
}

impl<T> Default for HandleTable<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_name_what_lives_and_remember_what_is_gone() {
        let table = HandleTable::new();
        let first = table.insert(1);
        assert_eq!(table.with(first, |value| *value), Some(1));
        assert_eq!(table.with_mut(first, |value| *value = 3), Some(()));
        assert!(matches!(table.remove(first), Lookup::Found(3)));
        assert_eq!(table.with(first, |value| *value), None);
        assert!(matches!(table.remove(first), Lookup::Deleted));
        let second = table.insert(2);
        assert_eq!(second.lower, first.lower, "the slot is used again");
        assert_ne!(second, first, "the handle is not");
        assert!(matches!(table.remove(first), Lookup::Deleted));
        assert_eq!(table.with_mut(first, |value| *value = 4), None);
        assert_eq!(table.with(second, |value| *value), Some(2), "a stale handle reached another's thing");
    }

    #[test]
    fn random_and_foreign_handles_find_nothing() {
        let table = HandleTable::new();
        let other = HandleTable::new();
        let (handle, foreign) = (table.insert(1), other.insert(1));
        for wrong in [
            SecHandle::INVALID,
            SecHandle::DELETED,
            SecHandle { lower: 0, upper: 0 },
            SecHandle { lower: handle.lower, upper: handle.upper + 1 },
            SecHandle { lower: handle.lower + 1, upper: handle.upper },
            SecHandle { lower: handle.lower, upper: 1 },
            foreign,
        ] {
            assert_eq!(table.with(wrong, |value| *value), None, "{wrong:?}");
            assert!(matches!(table.remove(wrong), Lookup::Unknown), "{wrong:?}");
        }
    }
}
