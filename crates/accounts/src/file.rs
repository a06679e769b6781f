//! Account files: read at once, and read again when they change.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use ntlm::UnicodeString;
use zeroize::Zeroizing;

use crate::line::{self, Format, RejectedLine};
use crate::memory::{Account, HashStore, MemoryStore, StoreError};
use crate::name::AccountName;

/// Files longer than this are refused: something else was meant.
pub(crate) const MAX_LENGTH: u64 = 64 * 1024 * 1024;

/// How often a file that changes is read before giving up.
const ATTEMPTS: usize = 5;

/// A file of accounts, by its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFile {
    /// Where it is.
    pub path: PathBuf,
    /// Which lines it has.
    pub format: Format,
}

/// What an account file held when it was read.
#[derive(Debug)]
pub struct Loaded {
    /// The accounts.
    pub store: MemoryStore,
    /// The lines that hold none, for the administrator.
    pub rejected: Vec<RejectedLine>,
    /// Who else can read or change the file, for the administrator.
    pub exposure: Option<Exposure>,
}

impl AccountFile {
    /// A file in the format of NTLM_USER_FILE.
    #[must_use]
    pub fn user_file(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), format: Format::UserFile }
    }

    /// A file in Samba's format smbpasswd.
    #[must_use]
    pub fn smbpasswd(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), format: Format::Smbpasswd }
    }

    /// Reads the file.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it cannot be read. Lines that hold no account are no error; see [`Loaded::rejected`].
    pub fn load(&self) -> Result<Loaded, StoreError> {
        self.read().map(|(loaded, _)| loaded)
    }

    /// Reads the file; again when it changed meanwhile, so that no half-written line is taken for a whole one. Who replaces it by renaming a
    /// new one over it is on the safe side.
    fn read(&self) -> Result<(Loaded, Stamp), StoreError> {
        for _ in 0..ATTEMPTS {
            if let Some(read) = self.read_once()? {
                return Ok(read);
            }
        }
        let path = self.path.display();
        Err(StoreError::new(format!("the account file {path} changes while it is read; replace it by renaming")))
    }

    /// `None` when the file changed while it was read.
    fn read_once(&self) -> Result<Option<(Loaded, Stamp)>, StoreError> {
        let unreadable = |error| unreadable(&self.path, &error);
        let mut file = File::open(&self.path).map_err(unreadable)?;
        // Of the opened file, before its content and once more behind it.
        let metadata = file.metadata().map_err(unreadable)?;
        let content = read_whole(&mut file, metadata.is_file().then_some(metadata.len())).map_err(unreadable)?;
        if content.len() as u64 > MAX_LENGTH {
            let path = self.path.display();
            let limit = MAX_LENGTH >> 20;
            return Err(StoreError::new(format!(
                "the account file {path} is longer than {limit} MiB; name another file"
            )));
        }
        let stamp = Stamp::of(&metadata);
        if Stamp::of(&file.metadata().map_err(unreadable)?) != stamp && metadata.is_file() {
            return Ok(None);
        }
        let (store, rejected) = line::read(&content, self.format);
        Ok(Some((Loaded { store, rejected, exposure: Exposure::of(&metadata) }, stamp)))
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::new(format!("the account file {} cannot be read: {error}", path.display()))
}

/// Reads what is there, but hardly more than `MAX_LENGTH`, to a buffer that never moves, so that no copy of the passwords is left behind.
/// `length` is how long it is, where that is known.
pub(crate) fn read_whole(source: &mut impl Read, length: Option<u64>) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let length = length.unwrap_or_default().min(MAX_LENGTH);
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0).saturating_add(1)));
    let mut chunk = Zeroizing::new([0; 8192]);
    while content.len() as u64 <= MAX_LENGTH {
        let read = source.read(&mut *chunk)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        if content.capacity() - content.len() < bytes.len() {
            // Pipes and files that grow: move by hand and wipe the old place.
            let mut larger = Zeroizing::new(Vec::with_capacity((content.len() + bytes.len()) * 2));
            larger.extend_from_slice(&content);
            content = larger;
        }
        content.extend_from_slice(bytes);
    }
    Ok(content)
}

/// Who can read or change a file of passwords or hashes beside its owner, and should not. Members of its group may read it: so a server's
/// helper without privileges gets at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure {
    mode: u32,
}

impl Exposure {
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;

        let mode = metadata.mode() & 0o777;
        (metadata.is_file() && mode & 0o027 != 0).then_some(Self { mode })
    }

    #[cfg(not(unix))]
    pub(crate) fn of(_: &Metadata) -> Option<Self> {
        None
    }

    /// Whether every user of the machine can read it.
    #[must_use]
    pub fn world_readable(self) -> bool {
        self.mode & 0o004 != 0
    }

    /// Whether anybody but its owner can change it: its accounts are then not worth asking.
    #[must_use]
    pub fn changeable(self) -> bool {
        self.mode & 0o022 != 0
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is worst goes first: who can change it can let himself in.
        let who = match self.mode {
            mode if mode & 0o006 == 0o006 => "every user of this machine can read and change it",
            mode if mode & 0o002 != 0 => "every user of this machine can change it",
            mode if mode & 0o024 == 0o024 => "its group can change it, and every user of this machine can read it",
            mode if mode & 0o020 != 0 => "its group can change it",
            _ => "every user of this machine can read it",
        };
        write!(f, "{who} (mode {:04o}); chmod it to 0640 or 0600", self.mode)
    }
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Pipes are read once.
    is_file: bool,
    length: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64),
    #[cfg(unix)]
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;

        Self {
            is_file: metadata.is_file(),
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: (metadata.dev(), metadata.ino()),
            #[cfg(unix)]
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// The accounts of a file, read when first asked for, and again when the file has changed.
///
/// When the file can no longer be read, nobody can log on: what it once held may no longer be true.
#[derive(Debug)]
pub struct FileStore {
    file: AccountFile,
    loaded: Mutex<Option<(Stamp, Arc<Loaded>)>>,
}

impl FileStore {
    /// The accounts of `file`. Reads nothing yet.
    #[must_use]
    pub fn new(file: AccountFile) -> Self {
        Self { file, loaded: Mutex::new(None) }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &AccountFile {
        &self.file
    }

    /// What the file holds now. As long as it does not change this is the same `Arc`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it cannot be read.
    pub fn current(&self) -> Result<Arc<Loaded>, StoreError> {
        // A panic while the lock was held leaves a value that is whole.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((stamp, loaded)) = &*loaded {
            if !stamp.is_file {
                return Ok(Arc::clone(loaded));
            }
            let metadata = std::fs::metadata(&self.file.path).map_err(|error| unreadable(&self.file.path, &error))?;
            if Stamp::of(&metadata) == *stamp {
                return Ok(Arc::clone(loaded));
            }
        }
        let (read, stamp) = self.file.read()?;
        let read = Arc::new(read);
        *loaded = Some((stamp, Arc::clone(&read)));
        Ok(read)
    }
}

impl HashStore for FileStore {
    fn find(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        self.current()?.store.find(name)
    }

    fn find_first(&self, names: &[AccountName]) -> Result<Option<Account>, StoreError> {
        self.current()?.store.find_first(names)
    }

    fn knows_domain(&self, domain: &UnicodeString) -> Result<bool, StoreError> {
        self.current()?.store.knows_domain(domain)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A path of its own for each test, removed at the end.
    struct TemporaryPath(PathBuf);

    impl TemporaryPath {
        fn new() -> Self {
            static COUNTER: AtomicU32 = AtomicU32::new(0);
            let name = format!("ntlm-accounts-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
            Self(std::env::temp_dir().join(name))
        }

        fn write(&self, content: impl AsRef<[u8]>) {
            std::fs::write(&self.0, content).unwrap();
        }
    }

    impl Drop for TemporaryPath {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn has(store: &FileStore, name: &str) -> bool {
        store.find(&AccountName::parse(name)).unwrap().is_some()
    }

    #[test]
    fn a_file_is_read_again_when_it_changes() {
        let path = TemporaryPath::new();
        path.write("EXAMPLE:alice:secret\n");
        let store = FileStore::new(AccountFile::user_file(&path.0));
        assert!(has(&store, r"EXAMPLE\alice"));
        assert!(Arc::ptr_eq(&store.current().unwrap(), &store.current().unwrap()));
        path.write("EXAMPLE:alice:secret\nEXAMPLE:bob:secret\n");
        assert!(has(&store, r"EXAMPLE\bob"));

        // Replaced by one of the same length, as careful editors do.
        let other = TemporaryPath::new();
        other.write("EXAMPLE:carol:secret\nEXAMPLE:bob:secret\n");
        std::fs::rename(&other.0, &path.0).unwrap();
        assert!(has(&store, r"EXAMPLE\carol") && !has(&store, r"EXAMPLE\alice"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_no_account() {
        let path = TemporaryPath::new();
        let store = FileStore::new(AccountFile::smbpasswd(&path.0));
        let error = store.find(&AccountName::parse("alice")).unwrap_err().to_string();
        assert!(error.contains("cannot be read") && error.contains(&*path.0.to_string_lossy()), "{error}");

        path.write("EXAMPLE:alice:secret\n");
        assert_eq!(store.current().unwrap().rejected.len(), 1);
        std::fs::remove_file(&path.0).unwrap();
        assert!(store.find(&AccountName::parse("alice")).is_err());
        assert!(store.knows_domain(&"EXAMPLE".into()).is_err());
        assert!(AccountFile::user_file(std::env::temp_dir()).load().is_err());
    }

    #[test]
    #[cfg(unix)]
    fn a_file_without_end_is_refused() {
        let error = AccountFile::user_file("/dev/zero").load().unwrap_err().to_string();
        assert!(error.contains("longer than 64 MiB"), "{error}");
    }

    #[test]
    fn long_files_are_read_whole() {
        let path = TemporaryPath::new();
        let lines = (0..5000).map(|number| format!("EXAMPLE:user{number}:{number}\n")).collect::<String>();
        path.write(&lines);
        let loaded = AccountFile::user_file(&path.0).load().unwrap();
        assert_eq!((loaded.store.accounts().len(), loaded.rejected.len()), (5000, 0));
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_can_read_is_told() {
        use std::os::unix::fs::PermissionsExt as _;

        let path = TemporaryPath::new();
        path.write("EXAMPLE:alice:secret\n");
        for (mode, told) in [(0o600, None), (0o640, None), (0o400, None), (0o644, Some("read")), (0o620, Some("group"))]
        {
            std::fs::set_permissions(&path.0, std::fs::Permissions::from_mode(mode)).unwrap();
            let exposure =
                AccountFile::user_file(&path.0).load().unwrap().exposure.map(|exposure| exposure.to_string());
            assert_eq!(exposure.is_some(), told.is_some(), "{mode:o}");
            assert!(told.is_none_or(|told| exposure.unwrap().contains(told)), "{mode:o}");
        }
    }
}
