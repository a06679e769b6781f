//! Handles: two words that name a slot and its generation, and are never a pointer.
//!
//! A handle that is random, stale, of the other kind or of another process finds nothing. One that was deleted is known as such: its generation is one that its slot
//! has had.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, PoisonError, RwLock};

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
    /// Something that lives.
    Found(Arc<T>),
    /// Something that was there and is gone.
    Deleted,
    /// Nothing that was ever given out.
    Unknown,
}

impl<T> Lookup<T> {
    /// What lives; nothing else.
    pub fn found(self) -> Option<Arc<T>> {
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
    value: Option<Arc<T>>,
}

struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
}

impl<T> Slots<T> {
    fn slot(&self, handle: SecHandle) -> Option<&Slot<T>> {
        self.slots.get(slot_of(handle)?)
    }

    fn live(&self, handle: SecHandle) -> Option<&Arc<T>> {
        self.slot(handle).filter(|slot| slot.upper == handle.upper)?.value.as_ref()
    }

    /// The last generation of a handle's slot; 0 when there is no such slot.
    fn last_generation(&self, handle: SecHandle) -> u32 {
        self.slot(handle).map_or(0, |slot| slot.generation)
    }
}

/// The things that handles of one kind name.
pub struct HandleTable<T> {
    slots: RwLock<Slots<T>>,
    /// Makes the words of a handle hard to guess and different for each kind, so that no handle is taken for another.
    seal: RandomState,
}

impl<T> HandleTable<T> {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self { slots: RwLock::new(Slots { slots: Vec::new(), free: Vec::new() }), seal: RandomState::new() }
    }

    /// Puts something in and gives its handle. Neither word is ever 0, -1 or -2.
    pub fn insert(&self, value: Arc<T>) -> SecHandle {
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

    /// What a handle names.
    pub fn get(&self, handle: SecHandle) -> Lookup<T> {
        let table = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        match table.live(handle) {
            Some(value) => Lookup::Found(Arc::clone(value)),
            None => self.gone(handle, table.last_generation(handle)),
        }
    }

    /// What `f` gives for the thing that a handle names; `None` when nothing lives there. The table waits as long: `f` is short and asks it for nothing.
    pub(crate) fn with<R>(&self, handle: SecHandle, f: impl FnOnce(&T) -> R) -> Option<R> {
        let table = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        table.live(handle).map(|value| f(value))
    }

    /// Takes out what a handle names. Who uses it at the moment keeps it until done.
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
        self.seal.hash_one((lower, generation)) >> 33
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
        let first = table.insert(Arc::new(1));
        assert!(matches!(table.get(first), Lookup::Found(value) if *value == 1));
        assert!(matches!(table.remove(first), Lookup::Found(_)));
        assert!(matches!(table.get(first), Lookup::Deleted));
        assert!(matches!(table.remove(first), Lookup::Deleted));
        let second = table.insert(Arc::new(2));
        assert_eq!(second.lower, first.lower, "the slot is used again");
        assert_ne!(second, first, "the handle is not");
        assert!(matches!(table.get(first), Lookup::Deleted));
    }

    #[test]
    fn random_and_foreign_handles_find_nothing() {
        let table = HandleTable::new();
        let other = HandleTable::new();
        let (handle, foreign) = (table.insert(Arc::new(1)), other.insert(Arc::new(1)));
        for wrong in [
            SecHandle::INVALID,
            SecHandle::DELETED,
            SecHandle { lower: 0, upper: 0 },
            SecHandle { lower: handle.lower, upper: handle.upper + 1 },
            SecHandle { lower: handle.lower + 1, upper: handle.upper },
            SecHandle { lower: handle.lower, upper: 1 },
            foreign,
        ] {
            assert!(matches!(table.get(wrong), Lookup::Unknown), "{wrong:?}");
            assert!(matches!(table.remove(wrong), Lookup::Unknown), "{wrong:?}");
        }
    }
}
