//! Accounts, and where they are kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;

use ntlm::{LogonFailure, NtHash, Password, UnicodeString};

use crate::name::AccountName;

/// An account.
#[derive(Debug)]
pub struct Account {
    /// Its name, in the case that it is to be shown in.
    pub name: AccountName,
    /// The NT hash of its password; `None` when it has none that could be checked, so that nobody can log on with it.
    // Boxed: a store that grows moves its accounts, and would leave copies of the hashes behind.
    pub nt_hash: Option<Box<NtHash>>,
    /// Why it may not log on although the password is right: disabled, locked out. `None` when nothing speaks against it.
    pub barred: Option<LogonFailure>,
}

impl Account {
    /// An account with a password, which may log on.
    #[must_use]
    pub fn new(name: AccountName, password: &Password) -> Self {
        Self { name, nt_hash: Some(Box::new(password.nt_hash())), barred: None }
    }

    /// A second, independent copy with its secrets; spelled out so that they are not copied by accident.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        // The bytes come from a hash, so they are usable as one.
        let nt_hash = self.nt_hash.as_ref().and_then(|hash| NtHash::from_bytes(hash.expose()).ok()).map(Box::new);
        Self { name: self.name.clone(), nt_hash, barred: self.barred }
    }
}

/// A place where accounts are kept.
pub trait HashStore {
    /// The account of exactly this name, without regard to case; `None` when there is none. Which names to ask for is not the store's
    /// business ([`crate::name`]).
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot say. That must never look like an account, nor like "there is none".
    fn find(&self, name: &AccountName) -> Result<Option<Account>, StoreError>;

    /// The first of these names that there is an account of. All of them are asked for, so that the time says nothing about which exist.
    ///
    /// # Errors
    ///
    /// As for [`find`](Self::find), whichever of the names it is about.
    fn find_first(&self, names: &[AccountName]) -> Result<Option<Account>, StoreError> {
        let mut account = None;
        for name in names {
            let found = self.find(name)?;
            account = account.or(found);
        }
        Ok(account)
    }

    /// Whether the store has accounts of `domain`, without regard to case.
    ///
    /// # Errors
    ///
    /// As for [`find`](Self::find).
    fn knows_domain(&self, domain: &UnicodeString) -> Result<bool, StoreError>;
}

impl<S: HashStore + ?Sized> HashStore for &S {
    fn find(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        (**self).find(name)
    }

    fn find_first(&self, names: &[AccountName]) -> Result<Option<Account>, StoreError> {
        (**self).find_first(names)
    }

    fn knows_domain(&self, domain: &UnicodeString) -> Result<bool, StoreError> {
        (**self).knows_domain(domain)
    }
}

impl<S: HashStore + ?Sized> HashStore for Arc<S> {
    fn find(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        (**self).find(name)
    }

    fn find_first(&self, names: &[AccountName]) -> Result<Option<Account>, StoreError> {
        (**self).find_first(names)
    }

    fn knows_domain(&self, domain: &UnicodeString) -> Result<bool, StoreError> {
        (**self).knows_domain(domain)
    }
}

/// A store cannot be read. Says what, why, and what to do; holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError {
    text: String,
    busy: bool,
}

impl StoreError {
    /// An error with this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), busy: false }
    }

    /// An error with this text, of a store that somebody else holds for the moment.
    #[must_use]
    pub fn busy(text: impl Into<String>) -> Self {
        Self { text: text.into(), busy: true }
    }

    /// Whether somebody else holds the store for the moment, so that who asks again later may be answered.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for StoreError {}

/// An account of that name, in whatever case, is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuplicateAccount;

impl fmt::Display for DuplicateAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is an account of this name already; the first one counts")
    }
}

impl std::error::Error for DuplicateAccount {}

/// The domains that the accounts of a store are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domains {
    /// No account has a domain.
    None,
    /// All accounts that have a domain are in this one.
    One(UnicodeString),
    /// There are accounts of several domains.
    Several,
}

impl Domains {
    /// The domain, when it is one.
    #[must_use]
    pub fn only(&self) -> Option<&UnicodeString> {
        match self {
            Self::One(domain) => Some(domain),
            Self::None | Self::Several => None,
        }
    }
}

/// Accounts in memory.
#[derive(Default)]
pub struct MemoryStore {
    /// In the order in which they came.
    accounts: Vec<Account>,
    positions: HashMap<AccountName, usize>,
    /// The domains of the accounts: upper-cased, and as the first account writes them.
    domains: HashMap<UnicodeString, UnicodeString>,
}

impl MemoryStore {
    /// A store without accounts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an account.
    ///
    /// # Errors
    ///
    /// [`DuplicateAccount`]; the first account stays.
    pub fn insert(&mut self, account: Account) -> Result<(), DuplicateAccount> {
        let Entry::Vacant(position) = self.positions.entry(account.name.key()) else { return Err(DuplicateAccount) };
        position.insert(self.accounts.len());
        if let Some(domain) = account.name.domain() {
            self.domains.entry(domain.to_upper()).or_insert_with(|| domain.clone());
        }
        self.accounts.push(account);
        Ok(())
    }

    /// Adds an account with a password.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert).
    pub fn insert_password(&mut self, name: AccountName, password: &Password) -> Result<(), DuplicateAccount> {
        self.insert(Account::new(name, password))
    }

    /// The accounts, in the order in which they came.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The account of exactly this name, without regard to case.
    #[must_use]
    pub fn get(&self, name: &AccountName) -> Option<&Account> {
        self.positions.get(&name.key()).and_then(|&position| self.accounts.get(position))
    }

    /// The domain that all accounts with a domain are in; `None` when they are in several, or none has one.
    #[must_use]
    pub fn only_domain(&self) -> Option<&UnicodeString> {
        let mut domains = self.domains.values();
        domains.next().filter(|_| domains.next().is_none())
    }

    /// The domains that the accounts are in.
    #[must_use]
    pub fn domains(&self) -> Domains {
        match self.only_domain() {
            Some(domain) => Domains::One(domain.clone()),
            None if self.domains.is_empty() => Domains::None,
            None => Domains::Several,
        }
    }

    /// The account that a client means that logs on as `user` in `domain`, or in whatever domain (`None`): then an account without a domain
    /// goes first, and otherwise the first in the order in which they came.
    #[must_use]
    pub fn client_account(&self, user: &UnicodeString, domain: Option<&UnicodeString>) -> Option<&Account> {
        let exactly = self.get(&AccountName::new(domain.unwrap_or(&UnicodeString::default()), user));
        match domain {
            Some(_) => exactly,
            None => exactly.or_else(|| self.accounts.iter().find(|account| account.name.user().eq_ignore_case(user))),
        }
    }
}

impl HashStore for MemoryStore {
    fn find(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        Ok(self.get(name).map(Account::duplicate))
    }

    fn knows_domain(&self, domain: &UnicodeString) -> Result<bool, StoreError> {
        Ok(self.domains.contains_key(&domain.to_upper()))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("accounts", &self.accounts.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(names: &[&str]) -> MemoryStore {
        let mut store = MemoryStore::new();
        for name in names {
            store.insert_password(AccountName::parse(name), &Password::new(name)).unwrap();
        }
        store
    }

    #[test]
    fn accounts_are_found_without_regard_to_case() {
        let store = store(&[r"Example\Zoë", "alice"]);
        let found = store.find(&AccountName::parse(r"EXAMPLE\zOË")).unwrap().unwrap();
        assert_eq!(found.name, AccountName::parse(r"Example\Zoë"));
        assert_eq!(found.nt_hash.unwrap().expose(), Password::new(r"Example\Zoë").nt_hash().expose());
        assert!(store.find(&AccountName::parse(r".\ALICE")).unwrap().is_some());
        assert!(store.find(&AccountName::parse(r"EXAMPLE\alice")).unwrap().is_none());
        // Full case mapping would make these the same; Windows does not.
        assert!(super::tests::store(&["straße"]).find(&AccountName::parse("STRASSE")).unwrap().is_none());
    }

    #[test]
    fn the_first_account_of_a_name_counts() {
        let mut store = store(&[r"EXAMPLE\alice"]);
        let again = store.insert_password(AccountName::parse(r"example\ALICE"), &Password::new("other"));
        assert_eq!(again, Err(DuplicateAccount));
        assert_eq!(store.accounts().len(), 1);
        let kept = store.get(&AccountName::parse(r"EXAMPLE\alice")).unwrap().nt_hash.as_ref().unwrap();
        assert_eq!(kept.expose(), Password::new(r"EXAMPLE\alice").nt_hash().expose());
    }

    #[test]
    fn one_domain_is_the_only_domain() {
        assert_eq!(store(&[r"Example\alice", "bob", r"EXAMPLE\carol"]).only_domain(), Some(&"Example".into()));
        assert_eq!(store(&[r"EXAMPLE\alice", r"OTHER\alice"]).only_domain(), None);
        assert_eq!(store(&["alice", "bob@example.test"]).only_domain(), None);
        assert_eq!(store(&[r"Example\alice", "bob"]).domains(), Domains::One("Example".into()));
        assert_eq!(store(&[r"EXAMPLE\alice", r"OTHER\alice"]).domains(), Domains::Several);
        assert_eq!(store(&["alice"]).domains(), Domains::None);
        assert!(store(&[r"Example\alice"]).knows_domain(&"EXAMPLE".into()).unwrap());
        assert!(!store(&[r"Example\alice"]).knows_domain(&"EXAMPLE.TEST".into()).unwrap());
    }

    #[test]
    fn a_client_finds_its_account() {
        let store = store(&[r"ONE\alice", r"TWO\alice", "alice", r"TWO\bob"]);
        let found = |user: &str, domain: Option<&str>| {
            let domain = domain.map(UnicodeString::from);
            store.client_account(&user.into(), domain.as_ref()).map(|account| account.name.clone())
        };
        assert_eq!(found("Alice", Some("two")), Some(AccountName::parse(r"TWO\alice")));
        assert_eq!(found("alice", None), Some(AccountName::parse("alice")));
        assert_eq!(found("bob", None), Some(AccountName::parse(r"TWO\bob")));
        assert_eq!(found("bob", Some("ONE")), None);
        assert_eq!(found("bob", Some("")), None);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let store = store(&[r"EXAMPLE\secret"]);
        assert_eq!(format!("{store:?}"), "MemoryStore { accounts: 1, .. }");
        assert!(format!("{:?}", store.accounts()).contains("NtHash(..)"));
    }
}
