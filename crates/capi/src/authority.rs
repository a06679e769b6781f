//! Who decides on logons in this process: the callback that a program set, or the accounts that the environment names, or nobody.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_void};
#[cfg(feature = "sqlite")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ntlm::logon::NtStatus;
use ntlm::secret::{LmSessionKey, SessionBaseKey};
use ntlm::wire::ResponseClass;
use ntlm::{Authority, LogonFailure, LogonSuccess, NetworkLogon, NtHash, UnicodeString};
#[cfg(feature = "sqlite")]
use ntlm_accounts::SqliteStore;
use ntlm_accounts::config::Config;
use ntlm_accounts::{AccountFile, FileStore, Loaded, LocalAuthority};
use zeroize::Zeroize as _;

use crate::frame::Parameter as _;
use crate::report;
use crate::string::Text;
use crate::types::SEC_CHAR;

/// The longest name of an account, in bytes.
const LONGEST_ACCOUNT: usize = 0x7fff;

/// How many bad lines of an account file are told one by one.
const LINES_TOLD: usize = 10;

/// The accounts that the environment names.
pub(crate) enum Accounts {
    /// None.
    None,
    /// A file's.
    File(FileStore),
    /// A database's.
    #[cfg(feature = "sqlite")]
    Database(Database),
    /// They cannot be known, for this reason.
    Unusable(String),
}

impl Accounts {
    pub(crate) fn of(file: Option<AccountFile>) -> Self {
        file.map_or(Self::None, |file| Self::File(FileStore::new(file)))
    }

    /// Those that a configuration names.
    pub(crate) fn configured(config: &Config) -> Self {
        #[cfg(feature = "sqlite")]
        if let Some(path) = &config.accounts.database {
            let authority = LocalAuthority::new(SqliteStore::new(path));
            let authority = authority.telling(|error| report::log(format_args!("{error}")));
            return Self::Database(Database { authority, told: AtomicBool::new(false) });
        }
        Self::of(config.account_file())
    }

    /// The domain that all accounts with a domain are in, when they can be read.
    pub(crate) fn only_domain(&self) -> Option<UnicodeString> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Database(database) => database.authority.store().only_domain().ok().flatten(),
            _ => self.loaded().ok().flatten()?.store.only_domain().cloned(),
        }
    }

    /// What the file holds, if there is one; fails with the reason when it cannot be used.
    pub(crate) fn loaded(&self) -> Result<Option<Arc<Loaded>>, String> {
        match self {
            Self::File(store) => current(store).map(Some),
            Self::None => Ok(None),
            #[cfg(feature = "sqlite")]
            Self::Database(_) => Ok(None),
            Self::Unusable(reason) => Err(reason.clone()),
        }
    }
}

/// The accounts of a database.
#[cfg(feature = "sqlite")]
pub(crate) struct Database {
    authority: LocalAuthority<SqliteStore>,
    /// Whether the administrator knows who else can read it.
    told: AtomicBool,
}

#[cfg(feature = "sqlite")]
impl Database {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        let store = self.authority.store();
        // Nothing is held meanwhile: who reads the log may call functions that come here.
        if !self.told.load(Ordering::Relaxed)
            && let Ok(exposure) = store.exposure()
            && !self.told.swap(true, Ordering::Relaxed)
            && let Some(exposure) = exposure
        {
            let path = store.path().display();
            report::log(format_args!("warning: the account database {path} holds secrets, and {exposure}"));
        }
        self.authority.logon(logon)
    }
}

/// What an account file holds now. One that others can change holds nothing worth asking.
fn current(store: &FileStore) -> Result<Arc<Loaded>, String> {
    let loaded = store.current().map_err(|error| error.to_string())?;
    match loaded.exposure.filter(|exposure| exposure.changeable()) {
        Some(exposure) => Err(format!("the account file {} is not used: {exposure}", store.file().path.display())),
        None => Ok(loaded),
    }
}

/// The authority of the process.
pub(crate) struct ProcessAuthority {
    accounts: Accounts,
    /// What was last told about the account file.
    told: Mutex<Option<Arc<Loaded>>>,
}

impl ProcessAuthority {
    pub(crate) fn new(accounts: Accounts) -> Self {
        Self { accounts, told: Mutex::new(None) }
    }

    /// Tells whoever reads the log what is wrong with the account file, before any logon: a process that is a client alone never checks one. When nobody
    /// reads yet, the first logon tells.
    pub(crate) fn tell_readers(&self) {
        if let Accounts::File(store) = &self.accounts
            && report::is_read()
            && let Ok(loaded) = current(store)
        {
            self.tell(store.file(), &loaded);
        }
    }

    /// Tells the administrator what is wrong with the account file, once for each time that it is read.
    fn tell(&self, file: &AccountFile, loaded: &Arc<Loaded>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_ref().is_some_and(|told| Arc::ptr_eq(told, loaded)) {
            return;
        }
        *told = Some(Arc::clone(loaded));
        drop(told);
        let path = file.path.display();
        if let Some(exposure) = loaded.exposure {
            report::log(format_args!("warning: the account file {path} holds secrets, and {exposure}"));
        }
        for line in loaded.rejected.iter().take(LINES_TOLD) {
            report::log(format_args!("warning: {path}: {line}"));
        }
    }
}

impl Authority for ProcessAuthority {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        let callback = *CALLBACK.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(callback) = callback {
            return callback.logon(logon);
        }
        let unknown = |reason: &str| {
            report::log(format_args!("{reason}"));
            LogonFailure::NO_LOGON_SERVERS
        };
        match &self.accounts {
            Accounts::None => Err(unknown(
                "there are no accounts to check logons against: set NTLM_CONFIG or NTLM_USER_FILE, or call ntlm_sspi_set_authority",
            )),
            Accounts::Unusable(reason) => Err(unknown(reason)),
            Accounts::File(store) => {
                let loaded = current(store).map_err(|reason| unknown(&reason))?;
                self.tell(store.file(), &loaded);
                LocalAuthority::new(&loaded.store).logon(logon)
            }
            #[cfg(feature = "sqlite")]
            Accounts::Database(database) => database.logon(logon),
        }
    }
}

/// NTLM_SSPI_LOGON: the question, for a callback.
#[derive(Debug)]
#[repr(C)]
pub struct Logon {
    /// sizeof: fields may be added behind.
    pub cbSize: u32,
    /// NTLMSSP_NEGOTIATE_* in force.
    pub NegotiateFlags: u32,
    /// UserName as sent, in UTF-16; not terminated.
    pub User: *const u16,
    /// DomainName as sent.
    pub Domain: *const u16,
    /// Workstation as sent: a claim.
    pub Workstation: *const u16,
    /// Units of `User`.
    pub UserLength: u32,
    /// Units of `Domain`.
    pub DomainLength: u32,
    /// Units of `Workstation`.
    pub WorkstationLength: u32,
    /// NTLM_SSPI_RESPONSE_*.
    pub ResponseKind: u32,
    /// `User` in UTF-8, terminated; NULL when it cannot be said so exactly.
    pub UserUtf8: *const c_char,
    /// `Domain` in UTF-8.
    pub DomainUtf8: *const c_char,
    /// NtChallengeResponse.
    pub NtResponse: *const u8,
    /// LmChallengeResponse.
    pub LmResponse: *const u8,
    /// Bytes of `NtResponse`.
    pub NtResponseLength: u32,
    /// Bytes of `LmResponse`.
    pub LmResponseLength: u32,
    /// LmChallenge for a domain controller.
    pub Challenge: [u8; 8],
}

/// NTLM_SSPI_VERDICT: the answer of a callback.
#[repr(C)]
pub struct Verdict {
    /// sizeof.
    pub cbSize: u32,
    /// NTLM_SSPI_VERDICT_*; 0 is no answer.
    pub Kind: u32,
    /// The NT hash of the account, or the session base key.
    pub Key: [u8; 16],
    /// LMKey, when `HasLmKey`.
    pub LmKey: [u8; 8],
    /// Whether `LmKey` is there.
    pub HasLmKey: u32,
    /// The account as the authority calls it, in UTF-8, terminated; NULL or empty for the name as sent.
    pub AccountUtf8: *const c_char,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Logon>() == 96 && size_of::<Verdict>() == 48);

impl Drop for Verdict {
    fn drop(&mut self) {
        self.Key.zeroize();
        self.LmKey.zeroize();
    }
}

/// NTLM_SSPI_VERDICT_NT_HASH.
const VERDICT_NT_HASH: u32 = 1;
/// NTLM_SSPI_VERDICT_SESSION_KEY.
const VERDICT_SESSION_KEY: u32 = 2;

/// NTLM_SSPI_AUTHORITY_CALLBACK: gives STATUS_SUCCESS (0) and a verdict, or another NTSTATUS.
pub type AuthorityCallback =
    unsafe extern "C" fn(context: *mut c_void, logon: *const Logon, verdict: *mut Verdict) -> u32;

/// An authority that a program set.
#[derive(Clone, Copy)]
struct Callback {
    function: AuthorityCallback,
    context: *mut c_void,
}

// SAFETY: `ntlm_sspi_set_authority` asks for a callback and a context that every thread may use.
unsafe impl Send for Callback {}
// SAFETY: as above.
unsafe impl Sync for Callback {}

static CALLBACK: RwLock<Option<Callback>> = RwLock::new(None);

/// Sets who decides on logons.
pub(crate) fn set_callback(function: Option<AuthorityCallback>, context: *mut c_void) {
    let callback = function.map(|function| Callback { function, context });
    *CALLBACK.write().unwrap_or_else(PoisonError::into_inner) = callback;
}

/// Names in ASCII with fewer characters need no memory of their own: nearly all.
const FEW: usize = 64;

/// The name in UTF-8, in `room` if it fits; `None` when that would make another name of it.
fn exact_utf8<'a>(name: &UnicodeString, room: &'a mut [u8; FEW]) -> Option<Cow<'a, CStr>> {
    if let Some(text) = room.get_mut(..=name.len()).filter(|_| name.is_ascii()) {
        text.iter_mut().zip(name.units()).for_each(|(byte, &unit)| *byte = (unit & 0x7f) as u8);
        return CStr::from_bytes_with_nul(text).ok().map(Cow::Borrowed);
    }
    let mut text = String::with_capacity(name.len() + 1);
    for character in char::decode_utf16(name.units().iter().copied()) {
        text.push(character.ok()?);
    }
    CString::new(text).ok().map(Cow::Owned)
}

fn length(units: usize) -> u32 {
    u32::try_from(units).unwrap_or(u32::MAX)
}

impl Callback {
    fn logon(self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        let mut room = [[0; FEW]; 2];
        let [user_room, domain_room] = &mut room;
        let (user, domain) = (exact_utf8(logon.user(), user_room), exact_utf8(logon.domain(), domain_room));
        let pointer = |text: &Option<Cow<'_, CStr>>| text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
        let question = Logon {
            cbSize: length(size_of::<Logon>()),
            NegotiateFlags: logon.flags().0,
            User: logon.user().units().as_ptr(),
            Domain: logon.domain().units().as_ptr(),
            Workstation: logon.workstation().units().as_ptr(),
            UserLength: length(logon.user().len()),
            DomainLength: length(logon.domain().len()),
            WorkstationLength: length(logon.workstation().len()),
            ResponseKind: match logon.response_class() {
                ResponseClass::Anonymous => 0,
                ResponseClass::LmOnly => 1,
                ResponseClass::NtlmV1 => 2,
                ResponseClass::NtlmV1Ess => 3,
                ResponseClass::NtlmV2 => 4,
            },
            UserUtf8: pointer(&user),
            DomainUtf8: pointer(&domain),
            NtResponse: logon.nt_response().as_ptr(),
            LmResponse: logon.lm_response().as_ptr(),
            NtResponseLength: length(logon.nt_response().len()),
            LmResponseLength: length(logon.lm_response().len()),
            Challenge: logon.lm_challenge(),
        };
        let size = length(size_of::<Verdict>());
        let mut verdict =
            Verdict { cbSize: size, Kind: 0, Key: [0; 16], LmKey: [0; 8], HasLmKey: 0, AccountUtf8: std::ptr::null() };
        // SAFETY: the callback was set for this; the question and what it points to, and the verdict, live until it returns; no lock is held that it
        // could want.
        let status = report::apart(|| unsafe { (self.function)(self.context, &raw const question, &raw mut verdict) });
        decide(logon, status, &verdict)
    }
}

fn decide(logon: &NetworkLogon, status: u32, verdict: &Verdict) -> Result<LogonSuccess, LogonFailure> {
    const STATUS_SUCCESS: u32 = 0;
    if status != STATUS_SUCCESS {
        // As much work as for an account that there is.
        let _ = logon.verify(None);
        return Err(LogonFailure::from_status(NtStatus(status)));
    }
    let useless = |what: &str| {
        report::log(format_args!("the authority callback said yes and {what}"));
        LogonFailure::INTERNAL_ERROR
    };
    let success = match verdict.Kind {
        // A placeholder in a store is no hash: nobody logs on with it.
        VERDICT_NT_HASH => logon.verify(NtHash::from_bytes(&verdict.Key).ok().as_ref())?,
        VERDICT_SESSION_KEY => {
            let lm_key = (verdict.HasLmKey != 0).then(|| LmSessionKey::from_authority(verdict.LmKey));
            LogonSuccess::from_authority(logon, SessionBaseKey::from_authority(verdict.Key), lm_key)
        }
        _ => return Err(useless("gave no verdict")),
    };
    // SAFETY: the callback was told to leave NULL here or a text that outlives it, and this is its thread.
    let account = unsafe { Text::<SEC_CHAR>::vouched(verdict.AccountUtf8) }.read(LONGEST_ACCOUNT);
    // Not the name as sent instead: the server would take the client for somebody whom the authority did not mean.
    let account = account.map_err(|_| useless("gave an account name that is not UTF-8, or too long"))?;
    Ok(match account.filter(|account| !account.is_empty()) {
        Some(account) => success.with_account(account),
        None => success,
    })
}
