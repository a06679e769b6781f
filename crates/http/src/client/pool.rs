//! Connections that were kept, each for the origin and the credentials that it was made for, and for no others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use ntlm::Credentials;

use super::attempts::Expectations;
use super::connection::Connection;
use super::logon::Expectation;
use super::url::Origin;

/// The most parties that something is remembered of.
const MAX_REMEMBERED: usize = 1024;

/// Whom a connection may serve. Credentials are told apart by their identity: even equal ones do not share connections.
#[derive(Clone)]
pub(super) struct Key {
    origin: Origin,
    // Weak: what is remembered keeps no secret alive, and the address is not used again while this is there.
    credentials: Option<Weak<Credentials>>,
}

impl Key {
    pub(super) fn new(origin: &Origin, credentials: Option<&Arc<Credentials>>) -> Self {
        Self { origin: origin.clone(), credentials: credentials.map(Arc::downgrade) }
    }

    fn address(&self) -> Option<*const Credentials> {
        self.credentials.as_ref().map(Weak::as_ptr)
    }

    /// Whether nobody can use it any more.
    fn is_dead(&self) -> bool {
        self.credentials.as_ref().is_some_and(|credentials| credentials.strong_count() == 0)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address() && self.origin == other.origin
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.origin.hash(state);
        self.address().hash(state);
    }
}

/// The connections that nobody uses at the moment.
pub(super) struct Pool {
    state: Mutex<State>,
    most: usize,
    longest: Duration,
}

#[derive(Default)]
struct State {
    idle: Vec<Idle>,
    known: HashMap<Key, Expectation>,
    proxy: Expectation,
}

struct Idle {
    key: Key,
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// A pool of at most `most` connections, each kept no longer than `longest`.
    pub(super) fn new(most: usize, longest: Duration) -> Self {
        Self { state: Mutex::default(), most, longest }
    }

    /// A connection for `key`, and for its request alone.
    pub(super) fn take(&self, key: &Key) -> Option<Connection> {
        let mut state = self.state();
        self.prune(&mut state);
        // The youngest: the others can die of age.
        let position = state.idle.iter().rposition(|idle| idle.key == *key)?;
        Some(state.idle.remove(position).connection)
    }

    /// Takes a connection back.
    pub(super) fn put(&self, key: Key, connection: Connection) {
        let mut state = self.state();
        self.prune(&mut state);
        if state.idle.len() >= self.most {
            if self.most == 0 {
                return;
            }
            state.idle.remove(0);
        }
        state.idle.push(Idle { key, connection, since: Instant::now() });
    }

    /// What earlier connections have taught.
    pub(super) fn expectations(&self, key: &Key) -> Expectations {
        let state = self.state();
        let server = state.known.get(key).copied().unwrap_or_default();
        Expectations { proxy: state.proxy, server }
    }

    pub(super) fn expectation_of_proxy(&self) -> Expectation {
        self.state().proxy
    }

    pub(super) fn learn_of_proxy(&self, expectation: Expectation) {
        self.state().proxy = lasting(expectation);
    }

    pub(super) fn learn(&self, key: &Key, expectation: Expectation) {
        let mut state = self.state();
        let lasting = lasting(expectation);
        if state.known.len() >= MAX_REMEMBERED {
            state.known.retain(|key, _| !key.is_dead());
            if state.known.len() >= MAX_REMEMBERED {
                state.known.clear();
            }
        }
        match (state.known.entry(key.clone()), lasting) {
            (Entry::Occupied(entry), Expectation::Nothing) => drop(entry.remove()),
            (Entry::Vacant(_), Expectation::Nothing) => {}
            (entry, lasting) => *entry.or_default() = lasting,
        }
    }

    fn prune(&self, state: &mut State) {
        state
            .idle
            .retain(|idle| idle.since.elapsed() < self.longest && !idle.connection.is_closed() && !idle.key.is_dead());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What holds for further connections: who asks for no logon today may do so for another path.
fn lasting(expectation: Expectation) -> Expectation {
    match expectation {
        Expectation::Asks(_) => expectation,
        Expectation::AsksNot | Expectation::Nothing => Expectation::Nothing,
    }
}
