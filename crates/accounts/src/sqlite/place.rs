//! Where a database is, how it comes to be, and who else can get at it.

use std::ffi::OsString;
use std::fs::{DirBuilder, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::file::Exposure;
use crate::memory::StoreError;

/// The account database of this user: `ntlm/accounts.db` in the directory for data.
///
/// | platform | directory |
/// |---|---|
/// | Unix | `$XDG_DATA_HOME`, or `~/.local/share` |
/// | macOS | `~/Library/Application Support` |
/// | Windows | `%LOCALAPPDATA%` |
///
/// # Errors
///
/// [`StoreError`] for a user without a home.
pub fn default_path() -> Result<PathBuf, StoreError> {
    data_directory(|name| std::env::var_os(name))
        .map(|directory| directory.join("ntlm").join("accounts.db"))
        .ok_or_else(|| {
            StoreError::new(
                "this user has no home directory for an account database; say where it is, with an absolute path",
            )
        })
}

/// The user's directory for data by the variables of the environment. Relative paths in them count for nothing (XDG base directories).
fn data_directory(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if cfg!(windows) {
        return absolute("LOCALAPPDATA");
    }
    if cfg!(target_os = "macos") {
        return absolute("HOME").map(|home| home.join("Library/Application Support"));
    }
    absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
}

/// What the file system says about a database that is there, which others must not be able to change.
pub(super) fn metadata(path: &Path) -> Result<Metadata, StoreError> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            StoreError::new(format!("there is no account database {shown}; `ntlm users add` or `import` makes one"))
        }
        _ => StoreError::new(format!("the account database {shown} cannot be read: {error}")),
    })?;
    if !metadata.is_file() {
        return Err(StoreError::new(format!("{shown} is no account database: it is not a file")));
    }
    match Exposure::of(&metadata).filter(|exposure| exposure.changeable()) {
        Some(exposure) => Err(StoreError::new(format!("the account database {shown} is not used: {exposure}"))),
        None => Ok(metadata),
    }
}

/// Whether a database may be made at `path`, as far as its directory is there already.
pub(super) fn check_place(path: &Path) -> Result<(), StoreError> {
    if directory(path).exists() { check_directory(path) } else { Ok(()) }
}

/// Refuses a directory in which every user can make files, sticky or not: SQLite plays back a journal that it finds beside a database, whoever
/// wrote it.
#[cfg(unix)]
pub(super) fn check_directory(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::MetadataExt as _;

    // SQLite follows links, and looks for the journal there.
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = directory(&real);
    let failed = |what: std::fmt::Arguments<'_>| {
        Err(StoreError::new(format!("the account database {} is not used: {what}", path.display())))
    };
    match std::fs::metadata(directory) {
        Ok(metadata) if metadata.mode() & 0o002 != 0 => failed(format_args!(
            "every user of this machine can make files in {} (mode {:04o}), and a journal beside a database changes it; keep it in a directory of its own",
            directory.display(),
            metadata.mode() & 0o7777
        )),
        Ok(_) => Ok(()),
        Err(error) => failed(format_args!("its directory cannot be read: {error}")),
    }
}

#[cfg(not(unix))]
pub(super) fn check_directory(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// Makes an empty file that only its owner can read, where there is none, and the directories above it. The first byte that SQLite writes
/// goes to a file that is closed to others already; its journals get the mode of the database.
pub(super) fn make(path: &Path) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| {
        StoreError::new(format!("the account database {} cannot be made: {error}", path.display()))
    };
    make_directory(directory(path)).map_err(failed)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        // Never opened but by SQLite: closing a file gives up all locks that the process has on it.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Whether nothing is there, not even what cannot be read.
pub(super) fn is_missing(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a directory that is closed to others, and those above it that are missing, and waits until they are on the disk.
fn make_directory(path: &Path) -> std::io::Result<()> {
    let missing = path.ancestors().take_while(|ancestor| !ancestor.exists()).count();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    #[cfg(unix)]
    for parent in path.ancestors().skip(1).take(missing) {
        std::fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(unix, not(target_os = "macos")))]
    fn the_default_place_is_the_users_directory_for_data() {
        let of = |set: &'static [(&str, &str)]| {
            data_directory(|name| set.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into()))
        };
        assert_eq!(of(&[("HOME", "/home/alice")]), Some("/home/alice/.local/share".into()));
        assert_eq!(of(&[("HOME", "/home/alice"), ("XDG_DATA_HOME", "/data")]), Some("/data".into()));
        assert_eq!(of(&[("HOME", "/home/alice"), ("XDG_DATA_HOME", "data")]), Some("/home/alice/.local/share".into()));
        assert_eq!(of(&[("HOME", "/home/alice"), ("XDG_DATA_HOME", "")]), Some("/home/alice/.local/share".into()));
        assert_eq!(of(&[("HOME", "")]), None);
        assert_eq!(of(&[]), None);
    }
}
