//! The throttle against a model of it, for any order of failures, successes and time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use ntlm::server::AwaitLogon;
use ntlm::{LogonFailure, LogonSuccess, NetworkLogon, Password};
use ntlm_accounts::{Immediate, Throttle, ThrottlePolicy, Throttled};
use proptest::prelude::*;

use crate::support::{Clock, Says, ask, from, question};

const LIMIT: u32 = 3;
const ADDRESS_LIMIT: u32 = 8;
const WINDOW: u64 = 60;
const LOCK: u64 = 45;
const ADDRESS_WINDOW: u64 = 100;
const ACCOUNTS: usize = 4;

/// What the authority says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says2 {
    Yes,
    Wrong,
    Unknown,
    Disabled,
    Away,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Attempt { account: usize, address: u8, says: Says2 },
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let says = prop_oneof![
        4 => Just(Says2::Wrong),
        1 => Just(Says2::Unknown),
        3 => Just(Says2::Yes),
        1 => Just(Says2::Disabled),
        1 => Just(Says2::Away),
    ];
    prop_oneof![
        8 => (0..ACCOUNTS, 0..3_u8, says).prop_map(|(account, address, says)| Event::Attempt { account, address, says }),
        1 => (0..80_u64).prop_map(Event::Wait),
    ]
}

/// The rules in their simplest form: whole histories, no eviction.
#[derive(Default)]
struct Model {
    now: u64,
    /// For each account its failures and the time of the last.
    accounts: BTreeMap<usize, (u32, u64)>,
    /// For each address its failures and the time of the first.
    addresses: BTreeMap<u8, (u32, u64)>,
}

impl Model {
    fn locked(&self, account: usize) -> bool {
        self.accounts.get(&account).is_some_and(|&(failures, last)| failures >= LIMIT && self.now < last + LOCK)
    }

    fn blocked(&self, address: u8) -> bool {
        self.addresses
            .get(&address)
            .is_some_and(|&(failures, first)| failures >= ADDRESS_LIMIT && self.now < first + ADDRESS_WINDOW)
    }

    fn attempt(&mut self, account: usize, address: u8, says: Says2) -> Result<(), LogonFailure> {
        let now = self.now;
        self.accounts.retain(|_, (failures, last)| now < *last + if *failures >= LIMIT { LOCK } else { WINDOW });
        self.addresses.retain(|_, (_, first)| now < *first + ADDRESS_WINDOW);
        if self.blocked(address) {
            return Err(LogonFailure::NETWORK_ACCESS_DENIED);
        }
        if says == Says2::Away {
            return Err(LogonFailure::NO_LOGON_SERVERS);
        }
        let locked = self.locked(account);
        let verdict = match says {
            _ if locked => Err(LogonFailure::ACCOUNT_LOCKED_OUT),
            Says2::Yes => Ok(()),
            Says2::Wrong => Err(LogonFailure::WRONG_PASSWORD),
            Says2::Unknown => Err(LogonFailure::NO_SUCH_USER),
            Says2::Disabled | Says2::Away => Err(LogonFailure::ACCOUNT_DISABLED),
        };
        match says {
            _ if locked => {}
            Says2::Yes => drop(self.accounts.remove(&account)),
            Says2::Wrong | Says2::Unknown => {
                let entry = self.accounts.entry(account).or_default();
                *entry = (entry.0 + 1, now);
            }
            Says2::Disabled | Says2::Away => {}
        }
        if verdict.is_err() {
            self.addresses.entry(address).or_insert((0, now)).0 += 1;
        }
        verdict
    }
}

fn questions() -> Vec<AwaitLogon> {
    (0..ACCOUNTS).map(|number| question("OTHER", &format!("user{number}"), "right")).collect()
}

proptest! {
    #[test]
    fn for_any_history_the_throttle_does_what_its_rules_say(events in proptest::collection::vec(event(), 1..200)) {
        let clock = Clock::new();
        let mut policy = ThrottlePolicy::default();
        let seconds = std::time::Duration::from_secs;
        (policy.account_failures, policy.account_window, policy.lock_out) = (LIMIT, seconds(WINDOW), seconds(LOCK));
        (policy.address_failures, policy.address_window) = (ADDRESS_LIMIT, seconds(ADDRESS_WINDOW));
        let says = Arc::new(AtomicU8::new(0));
        let inner = {
            let says = Arc::clone(&says);
            move |logon: &NetworkLogon| -> Result<LogonSuccess, LogonFailure> {
                match says.load(Ordering::Relaxed) {
                    0 => logon.verify(Some(&Password::new("right").nt_hash())),
                    1 => Err(LogonFailure::WRONG_PASSWORD),
                    2 => Err(LogonFailure::NO_SUCH_USER),
                    3 => Err(LogonFailure::ACCOUNT_DISABLED),
                    _ => Err(LogonFailure::NO_LOGON_SERVERS),
                }
            }
        };
        let throttle = Arc::new(Throttle::new(policy));
        let authority = Throttled::new(Immediate(Says(inner)), Arc::clone(&throttle)).with_clock({
            let clock = clock.clone();
            move || clock.now()
        });
        let (questions, mut model) = (questions(), Model::default());
        for event in events {
            match event {
                Event::Wait(seconds) => {
                    clock.advance(seconds);
                    model.now += seconds;
                }
                Event::Attempt { account, address, says: said } => {
                    says.store(said as u8, Ordering::Relaxed);
                    let origin = from(&format!("192.0.2.{address}:1"));
                    prop_assert_eq!(throttle.address_is_blocked(origin.address.unwrap().ip(), clock.now()).is_some(), model.blocked(address));
                    let locked = model.locked(account);
                    let verdict = ask(&authority, questions[account].logon(), &origin).map(|_| ());
                    prop_assert!(!(locked && verdict.is_ok()));
                    prop_assert_eq!(verdict, model.attempt(account, address, said));
                }
            }
        }
    }
}
