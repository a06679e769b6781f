//! What a failure is counted by: fingerprints of accounts and addresses.
//!
//! A client has many ways to name an account ([`crate::name`]). Guessing must not have a counter for each of them:
//!
//! | claimed | counted as |
//! |---|---|
//! | `u` in a domain of the server's own, in either form | `u` of the own domain |
//! | `u` and no domain, `.`, or the server itself | `u` of the machine |
//! | `u@d` in one of these | `u` in `d` |
//! | `u` in another domain | `u` of that domain; also `u` of the machine and of the own domain where policy has users of unknown domains looked up there |
//!
//! Whether `u` of the machine is an account of its own or means the one of the domain is known after a success only, so the two are counted apart.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;

use ntlm::wire::upcase;
use ntlm::{NetworkLogon, ServerNames, UnicodeString};

use crate::name;

/// Makes fingerprints that nobody outside can foretell.
#[derive(Debug, Default)]
pub(super) struct Fingerprints(RandomState);

/// The counters of a logon.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claimed {
    /// That of the name that the client sent.
    pub(super) name: u64,
    /// Those of other accounts that the name may mean, for all that the client knows.
    others: [Option<u64>; 2],
}

impl Claimed {
    pub(super) fn all(self) -> impl Iterator<Item = u64> {
        std::iter::once(self.name).chain(self.others.into_iter().flatten())
    }
}

/// Whose account it is.
enum Place<'a> {
    Machine,
    OwnDomain,
    Domain(&'a [u16]),
}

impl Fingerprints {
    /// The counters of the account that `logon` claims.
    pub(super) fn claimed(&self, logon: &NetworkLogon) -> Claimed {
        let server = logon.server_names();
        let (place, user) = place(logon.domain().units(), logon.user().units(), server);
        let others = match place {
            Place::Domain(_) if logon.server_policy().local_accounts_for_unknown_domain => {
                [Place::Machine, Place::OwnDomain].map(|place| Some(self.account(&place, user)))
            }
            Place::Machine | Place::OwnDomain | Place::Domain(_) => [None, None],
        };
        Claimed { name: self.account(&place, user), others }
    }

    /// The counter of an account as the authority calls it: `DOMAIN\user`, or `user@dns.domain`.
    pub(super) fn found(&self, account: &UnicodeString, server: &ServerNames) -> u64 {
        let units = account.units();
        let (domain, user) = match units.iter().position(|&unit| unit == u16::from(b'\\')) {
            Some(at) => (units.get(..at).unwrap_or_default(), units.get(at + 1..).unwrap_or_default()),
            None => (units.get(..0).unwrap_or_default(), units),
        };
        let (place, user) = place(domain, user, server);
        self.account(&place, user)
    }

    /// The counter of an address. An IPv6 address stands for its /64, which is what one customer gets; an IPv4 address is the same in both forms.
    pub(super) fn address(&self, address: IpAddr) -> u64 {
        let mut hasher = self.0.build_hasher();
        match address.to_canonical() {
            IpAddr::V4(address) => hasher.write_u32(address.to_bits()),
            IpAddr::V6(address) => hasher.write_u128(address.to_bits() >> 64),
        }
        hasher.finish()
    }

    fn account(&self, place: &Place<'_>, user: &[u16]) -> u64 {
        let mut hasher = self.0.build_hasher();
        let mut write = |units: &[u16]| {
            units.iter().for_each(|&unit| hasher.write_u16(upcase(unit)));
            hasher.write_usize(units.len());
        };
        write(user);
        match place {
            Place::Machine => hasher.write_u8(0),
            Place::OwnDomain => hasher.write_u8(1),
            Place::Domain(domain) => {
                write(domain);
                hasher.write_u8(2);
            }
        }
        hasher.finish()
    }
}

/// Where the account is, and its user there.
fn place<'a>(mut domain: &'a [u16], mut user: &'a [u16], server: &ServerNames) -> (Place<'a>, &'a [u16]) {
    let is_machine = |domain| name::names_machine(&UnicodeString::from_units(domain), server);
    let mut machine = is_machine(domain);
    if machine && let Some((inner, at)) = name::split_at_sign(user) {
        (user, domain) = (inner, at);
        machine = is_machine(domain);
    }
    if machine {
        (Place::Machine, user)
    } else if name::is_own(&UnicodeString::from_units(domain), server) {
        (Place::OwnDomain, user)
    } else {
        (Place::Domain(domain), user)
    }
}
