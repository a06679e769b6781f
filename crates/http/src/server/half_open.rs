//! The half-open logons of all connections together, by number and by bytes (attack 44): whoever sends NEGOTIATE_MESSAGEs without end fills this and nothing else, and from
//! one address only a share of it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ntlm::server::ExpectAuthenticate;

use super::settings::Limits;

/// What the table needs for an entry beside the entry itself: its places in nodes of the two trees, half of them empty, and the allocator's own.
const OVERHEAD: usize = 128;

/// A challenge that waits for its answer.
struct Entry {
    waiting: ExpectAuthenticate,
    since: Instant,
    bytes: usize,
    network: Option<IpAddr>,
}

#[derive(Default)]
struct Entries {
    /// In the order in which they came: numbers rise.
    entries: BTreeMap<u64, Box<Entry>>,
    next: u64,
    bytes: usize,
    /// How many each network has.
    networks: BTreeMap<IpAddr, usize>,
}

impl Entries {
    fn remove(&mut self, number: u64) -> Option<Box<Entry>> {
        let entry = self.entries.remove(&number)?;
        self.bytes -= entry.bytes;
        if let Some(network) = entry.network
            && let Some(count) = self.networks.get_mut(&network)
        {
            *count -= 1;
            if *count == 0 {
                self.networks.remove(&network);
            }
        }
        Some(entry)
    }

    /// Whether there is a place for one more from this network.
    fn has_place(&self, network: Option<IpAddr>, limits: &Limits) -> bool {
        let own = network.and_then(|network| self.networks.get(&network)).copied().unwrap_or_default();
        self.entries.len() < limits.half_open_logons && own < limits.half_open_logons_per_address
    }
}

/// The half-open logons of all connections. Old ones make room for new ones only when their time is over: nobody's logon is thrown out by somebody else's.
pub(super) struct HalfOpen {
    entries: Mutex<Entries>,
    limits: Limits,
}

/// The right to one half-open logon, which ends with it.
pub(super) struct Ticket {
    table: Arc<HalfOpen>,
    number: u64,
}

impl HalfOpen {
    pub(super) fn new(limits: Limits) -> Self {
        Self { entries: Mutex::default(), limits }
    }

    /// Keeps a challenge until it is answered or its time is over; `None` when there is no room.
    pub(super) fn insert(
        self: &Arc<Self>,
        waiting: ExpectAuthenticate,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Option<Ticket> {
        let network = address.map(network);
        let mut table = self.lock();
        self.expire_in(&mut table, now);
        let bytes = size_of::<Entry>() - size_of::<ExpectAuthenticate>() + waiting.memory() + OVERHEAD;
        if !table.has_place(network, &self.limits) || bytes.saturating_add(table.bytes) > self.limits.half_open_bytes {
            return None;
        }
        let number = table.next;
        table.next += 1;
        table.bytes += bytes;
        if let Some(network) = network {
            *table.networks.entry(network).or_default() += 1;
        }
        table.entries.insert(number, Box::new(Entry { waiting, since: now, bytes, network }));
        Some(Ticket { table: Arc::clone(self), number })
    }

    /// Whether a challenge of the usual size for `address` would find room: asked before one is made.
    pub(super) fn has_room(&self, address: Option<IpAddr>, now: Instant) -> bool {
        let mut table = self.lock();
        self.expire_in(&mut table, now);
        table.has_place(address.map(network), &self.limits) && table.bytes < self.limits.half_open_bytes
    }

    /// Drops the logons whose time is over.
    pub(super) fn expire(&self, now: Instant) {
        self.expire_in(&mut self.lock(), now);
    }

    /// How many there are, and the bytes that they hold.
    pub(super) fn size(&self) -> (usize, usize) {
        let table = self.lock();
        (table.entries.len(), table.bytes)
    }

    fn expire_in(&self, table: &mut Entries, now: Instant) {
        while let Some((&number, oldest)) = table.entries.first_key_value() {
            if now.saturating_duration_since(oldest.since) < self.limits.half_open_lifetime {
                break;
            }
            table.remove(number);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Nothing in here panics half-way.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is counted as one address: an IPv6 address stands for its /64, which is what one customer gets; an IPv4 address is the same in both forms.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

impl Ticket {
    /// The challenge, to be answered now; `None` when its time is over.
    pub(super) fn redeem(self, now: Instant) -> Option<ExpectAuthenticate> {
        let entry = self.table.lock().remove(self.number)?;
        let age = now.saturating_duration_since(entry.since);
        (age < self.table.limits.half_open_lifetime).then_some(entry.waiting)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.table.lock().remove(self.number);
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("number", &self.number).finish_non_exhaustive()
    }
}
