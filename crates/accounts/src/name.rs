//! Names of accounts, and which account a logon means.
//!
//! A client says who it is with two texts, UserName and DomainName (MS-NLMP 2.2.1.3). The account that it means is found by this rule, and
//! without regard to case; the response is then checked with the two texts as they came, whatever the account is called:
//!
//! | account | found for a logon that names |
//! |---|---|
//! | `D\u` | `D`; where `D` is the server's own domain, also its other form (NetBIOS or DNS), nothing, `.`, or the server itself |
//! | `u`, without a domain: an account of this machine | nothing, `.`, or the server itself |
//! | `u@d`, the form with a DNS domain | the whole as user and no domain; or `u` in the domain `d` |
//!
//! A logon as `u@d` without a domain names the domain `d`.

use ntlm::{ServerNames, UnicodeString};

/// The longest NetBIOS name.
const NETBIOS_LENGTH: usize = 15;

/// The longest user and domain of an account that is kept, in UTF-16 units.
const KEPT_LENGTH: usize = 256;

/// The name of an account: a user in a domain, or of this machine. Compared without regard to case where it matters: by stores.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountName {
    domain: UnicodeString,
    user: UnicodeString,
}

impl AccountName {
    /// `user` in `domain`. An empty domain, or `.`, is this machine.
    #[must_use]
    pub fn new(domain: &UnicodeString, user: &UnicodeString) -> Self {
        let domain = if is_dot(domain) { UnicodeString::default() } else { domain.clone() };
        Self { domain, user: user.clone() }
    }

    /// A name as people write it: `DOMAIN\user`, `user@dns.domain`, `user`, `.\user`.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        let (domain, user) = name.split_once('\\').unwrap_or(("", name));
        Self::new(&domain.into(), &user.into())
    }

    /// The domain; `None` for an account of this machine, and for the form `user@dns.domain`.
    #[must_use]
    pub fn domain(&self) -> Option<&UnicodeString> {
        Some(&self.domain).filter(|domain| !domain.is_empty())
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &UnicodeString {
        &self.user
    }

    /// What the account is called towards applications: `DOMAIN\user`, with the computer's name for accounts of this machine, or
    /// `user@dns.domain` as it is.
    #[must_use]
    pub fn qualified(&self, server: &ServerNames) -> UnicodeString {
        let domain = match self.domain() {
            Some(domain) => domain,
            None if split_at_sign(self.user.units()).is_some() => return self.user.clone(),
            None => &server.nb_computer,
        };
        joined(domain, '\\', &self.user)
    }

    /// The same name for every way to write it in upper and lower case: what stores look up by.
    pub(crate) fn key(&self) -> Self {
        Self { domain: self.domain.to_upper(), user: self.user.to_upper() }
    }

    /// Whether a database keeps an account of this name: one with a user, of at most 256 units a part, that can be written to a line of
    /// smbpasswd and read as the same name again.
    #[must_use]
    pub fn can_be_kept(&self) -> bool {
        let odd = |c: char| c.is_control() || matches!(c, '\\' | ':' | '\u{feff}');
        let plain = |name: &UnicodeString| {
            name.len() <= KEPT_LENGTH
                && char::decode_utf16(name.units().iter().copied()).all(|c| c.is_ok_and(|c| !odd(c)))
        };
        let first = self.domain().unwrap_or(&self.user).units().first();
        !self.user.is_empty() && plain(&self.domain) && plain(&self.user) && first != Some(&u16::from(b'#'))
    }
}

/// The accounts that a logon may mean, the best match first. How many there are depends on the names alone, not on which accounts exist.
#[must_use]
pub fn candidates(domain: &UnicodeString, user: &UnicodeString, server: &ServerNames) -> Vec<AccountName> {
    let mut names = Vec::with_capacity(8);
    if !names_machine(domain, server) {
        in_domain(domain, user, server, &mut names);
        return names;
    }
    if let Some((user, domain)) = split_at_sign(user.units()).filter(|_| domain.is_empty()) {
        let [user, domain] = [user, domain].map(UnicodeString::from_units);
        in_domain(&domain, &user, server, &mut names);
    }
    of_machine(user, server, &mut names);
    names
}

/// The accounts that a user without a domain may mean.
pub(crate) fn of_machine(user: &UnicodeString, server: &ServerNames, names: &mut Vec<AccountName>) {
    let own = [Some(&server.nb_computer), server.dns_computer.as_ref()];
    names.push(AccountName::new(&UnicodeString::default(), user));
    names.extend(own.into_iter().chain(own_domains(server)).flatten().map(|own| AccountName::new(own, user)));
}

/// Whether `domain` is the server's own domain or the server itself.
pub(crate) fn is_own(domain: &UnicodeString, server: &ServerNames) -> bool {
    names_machine(domain, server) || own_domains(server).into_iter().flatten().any(|own| own.eq_ignore_case(domain))
}

fn in_domain(domain: &UnicodeString, user: &UnicodeString, server: &ServerNames, names: &mut Vec<AccountName>) {
    let mut push = |domain: &UnicodeString| {
        names.push(AccountName::new(domain, user));
        names.push(AccountName::new(&UnicodeString::default(), &joined(user, '@', domain)));
    };
    push(domain);
    let own = own_domains(server);
    if own.into_iter().flatten().any(|own| own.eq_ignore_case(domain)) {
        own.into_iter().flatten().filter(|own| !own.eq_ignore_case(domain)).for_each(push);
    }
}

pub(crate) fn names_machine(domain: &UnicodeString, server: &ServerNames) -> bool {
    let own = [Some(&server.nb_computer), server.dns_computer.as_ref()];
    domain.is_empty() || is_dot(domain) || own.into_iter().flatten().any(|own| own.eq_ignore_case(domain))
}

fn own_domains(server: &ServerNames) -> [Option<&UnicodeString>; 2] {
    [server.nb_domain.as_ref(), server.dns_domain.as_ref()]
}

fn is_dot(domain: &UnicodeString) -> bool {
    domain.units() == [u16::from(b'.')]
}

/// `user@domain` in its parts; `None` when one of them is missing.
pub(crate) fn split_at_sign(name: &[u16]) -> Option<(&[u16], &[u16])> {
    let at = name.iter().rposition(|&unit| unit == u16::from(b'@'))?;
    let (user, domain) = (name.get(..at)?, name.get(at + 1..)?);
    (!user.is_empty() && !domain.is_empty()).then_some((user, domain))
}

fn joined(first: &UnicodeString, between: char, second: &UnicodeString) -> UnicodeString {
    let mut units = Vec::with_capacity(first.len() + 1 + second.len());
    units.extend_from_slice(first.units());
    units.extend_from_slice(between.encode_utf16(&mut [0; 2]));
    units.extend_from_slice(second.units());
    UnicodeString::from_units(&units)
}

/// The names that a server on the machine `host` gives itself, when all its accounts that have a domain are in `only_domain`.
///
/// The NetBIOS name is the first label of the host name. The domain's DNS name is known where the rest of the host name fits the domain:
/// `web1.example.test` is in `EXAMPLE`, or in `EXAMPLE.TEST`.
///
/// ```
/// let names = ntlm_accounts::server_names("web1.example.test", Some(&"EXAMPLE".into()));
/// assert_eq!(names.nb_computer, "WEB1".into());
/// assert_eq!(names.dns_domain, Some("example.test".into()));
/// ```
#[must_use]
pub fn server_names(host: &str, only_domain: Option<&UnicodeString>) -> ServerNames {
    let host = host.trim_end_matches('.').to_lowercase();
    let host = if host.is_empty() { "localhost".to_owned() } else { host };
    let (label, suffix) = host.split_once('.').unwrap_or((&host, ""));
    let upper = UnicodeString::from(label).to_upper();
    let computer = UnicodeString::from_units(upper.units().get(..NETBIOS_LENGTH).unwrap_or(upper.units()));

    let domain = only_domain.filter(|domain| !domain.eq_ignore_case(&computer));
    let first_label = suffix.split('.').next().unwrap_or_default();
    let fits = |domain: &&UnicodeString| {
        !suffix.is_empty() && [suffix, first_label].iter().any(|name| domain.eq_ignore_case(&(*name).into()))
    };
    ServerNames {
        dns_domain: domain.filter(fits).map(|_| suffix.into()),
        nb_domain: domain.cloned(),
        dns_computer: Some(host.as_str().into()),
        ..ServerNames { nb_computer: computer, ..ServerNames::standalone("") }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member() -> ServerNames {
        server_names("web1.example.test", Some(&"EXAMPLE".into()))
    }

    fn finds(account: &str, domain: &str, user: &str, server: &ServerNames) -> bool {
        let key = AccountName::parse(account).key();
        candidates(&domain.into(), &user.into(), server).iter().any(|name| name.key() == key)
    }

    #[test]
    fn an_account_of_a_domain_is_found_for_its_names() {
        let server = member();
        for (domain, user) in [
            ("EXAMPLE", "alice"),
            ("example", "ALICE"),
            ("example.test", "alice"),
            ("Example.Test", "alice"),
            ("", "alice"),
            (".", "alice"),
            ("WEB1", "alice"),
            ("web1.example.test", "alice"),
            ("", "alice@example.test"),
            ("", "alice@EXAMPLE"),
        ] {
            assert!(finds(r"EXAMPLE\alice", domain, user, &server), "{domain}\\{user}");
        }
        for (domain, user) in [
            ("OTHER", "alice"),
            ("EXAMPLE", "bob"),
            ("EXAMPLE", ""),
            ("test", "alice"),
            ("web1.example", "alice"),
            ("", "alice@other.test"),
            ("EXAMPLE", "alice@example.test"),
            ("EXAMPL", "Ealice"),
        ] {
            assert!(!finds(r"EXAMPLE\alice", domain, user, &server), "{domain}\\{user}");
        }
    }

    #[test]
    fn an_account_of_another_domain_is_found_for_that_domain_only() {
        let server = member();
        assert!(finds(r"OTHER\alice", "other", "alice", &server));
        assert!(finds(r"OTHER\alice", "", "alice@other", &server));
        for domain in ["", ".", "WEB1", "EXAMPLE", "example.test", "other.test"] {
            assert!(!finds(r"OTHER\alice", domain, "alice", &server), "{domain}");
        }
    }

    #[test]
    fn an_account_of_this_machine_is_found_for_this_machine_only() {
        for server in [member(), server_names("web1.example.test", None), server_names("web1", None)] {
            for account in ["alice", r".\alice", r"WEB1\alice"] {
                for domain in ["", ".", "WEB1", "web1"] {
                    assert!(finds(account, domain, "Alice", &server), "{account} for {domain}");
                }
                for domain in ["EXAMPLE", "example.test", "WORKSTATION7"] {
                    assert!(!finds(account, domain, "Alice", &server), "{account} for {domain}");
                }
            }
        }
    }

    #[test]
    fn an_account_with_a_dns_domain_is_found_both_ways() {
        let server = member();
        assert!(finds("alice@example.test", "", "ALICE@EXAMPLE.TEST", &server));
        assert!(finds("alice@example.test", "example.test", "alice", &server));
        assert!(finds("alice@example.test", "EXAMPLE", "alice", &server));
        assert!(finds("alice@other.test", "", "alice@other.test", &server));
        assert!(finds("alice@other.test", "other.test", "alice", &server));
        assert!(!finds("alice@other.test", "", "alice", &server));
        assert!(!finds("alice@example.test", "", "alice", &server));
    }

    #[test]
    fn a_local_account_goes_before_one_of_the_own_domain() {
        let names = candidates(&"".into(), &"alice".into(), &member());
        let position = |name: &str| names.iter().position(|candidate| *candidate == AccountName::parse(name));
        assert!(position("alice").unwrap() < position(r"EXAMPLE\alice").unwrap());
    }

    #[test]
    fn a_server_is_called_after_its_host_and_its_accounts() {
        let names = member();
        assert_eq!(names.target_name(), &"EXAMPLE".into());
        assert_eq!(names.nb_computer, "WEB1".into());
        assert_eq!(names.dns_computer, Some("web1.example.test".into()));
        assert_eq!(names.dns_domain, Some("example.test".into()));

        let alone = server_names("a-very-long-host-name", None);
        assert_eq!(alone.target_name(), &"A-VERY-LONG-HOS".into());
        assert_eq!(alone.nb_domain, None);
        assert_eq!(alone.dns_domain, None);

        assert_eq!(server_names("web1.corp.test", Some(&"EXAMPLE".into())).dns_domain, None);
        assert_eq!(server_names("web1", Some(&"WEB1".into())).nb_domain, None);
        assert_eq!(server_names("", None).nb_computer, "LOCALHOST".into());
        assert_eq!(server_names("...", None).nb_computer, "LOCALHOST".into());
    }

    #[test]
    fn an_account_is_called_after_its_domain_or_the_computer() {
        let called = |name: &str| AccountName::parse(name).qualified(&member()).to_string_lossy();
        assert_eq!(called(r"Example\Alice"), r"Example\Alice");
        assert_eq!(called("alice"), r"WEB1\alice");
        assert_eq!(called(r".\alice"), r"WEB1\alice");
        assert_eq!(called("alice@example.test"), "alice@example.test");
    }

    proptest! {
        #[test]
        fn case_does_not_matter(domain in "[a-zA-Z.]{0,8}", user in "[a-zé@]{0,8}") {
            let keys = |domain: &str, user: &str| {
                candidates(&domain.into(), &user.into(), &member()).iter().map(AccountName::key).collect::<Vec<_>>()
            };
            prop_assert_eq!(keys(&domain, &user), keys(&domain.to_uppercase(), &user.to_uppercase()));
        }

        #[test]
        fn the_units_of_a_name_do_not_matter(domain in prop::collection::vec(any::<u16>(), 0..20),
                                             user in prop::collection::vec(any::<u16>(), 0..20)) {
            let (domain, user) = (UnicodeString::from_units(&domain), UnicodeString::from_units(&user));
            let names = candidates(&domain, &user, &member());
            prop_assert!(!names.is_empty() && names.len() <= 10);
            prop_assert!(names.iter().any(|name| name.key() == AccountName::new(&domain, &user).key()));
        }
    }
}
