//! `import` and `export`: many accounts at once.

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ntlm_accounts::StoreError;
use ntlm_accounts::import::{self, Import, ImportFormat};
use ntlm_accounts::sqlite::{ChangeError, Existing, ImportReport};
use zeroize::Zeroizing;

use super::database::{Shown, open, open_or_create, tell};
use crate::environment::now;
use crate::failure::{Failure, STATUS_NO};

/// Imports of more accounts than this show how far they are, on a terminal.
const LONG: usize = 10_000;

/// Takes the accounts of a file in; makes the database where there is none.
///
/// The file is one of smbpasswd, of NTLM_USER_FILE (lines DOMAIN:user:password), or CSV with a header: user, password or nt_hash, and perhaps
/// domain and disabled. All its accounts come in at once, or none does. Lines that hold no account are told by their number, and the others
/// taken in. LM hashes are dropped; accounts that are locked become disabled ones; those without a usable hash wait for `passwd`. The file
/// keeps its passwords: remove it.
#[derive(Debug, Args)]
pub(super) struct ImportArguments {
    /// The file; `-` for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// What the file is, where it should not be told by its content.
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Accounts that are there already become as the file says. Otherwise they stay, and are told.
    #[arg(long)]
    replace: bool,
}

/// Writes all accounts in the format of smbpasswd, without LM hashes.
///
/// What is written is as good as the passwords.
#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// A new file, which its owner alone can read; `-` for standard output, as without.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Smbpasswd,
    UserFile,
    Csv,
}

impl From<Format> for ImportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Smbpasswd => Self::Smbpasswd,
            Format::UserFile => Self::UserFile,
            Format::Csv => Self::Csv,
        }
    }
}

pub(super) fn import(path: &Path, arguments: &ImportArguments) -> Result<ExitCode, Failure> {
    let (shown, content) = read(&arguments.file)?;
    let import = import::read(&content, arguments.format.map(ImportFormat::from))
        .map_err(|error| Failure::unusable(format!("{shown}: {error}")))?;
    drop(content);
    for line in &import.rejected {
        tell(format_args!("{shown}: {line}"));
    }
    if import.accounts.is_empty() {
        return Err(Failure::no(format!("{shown} holds no account; nothing was imported")));
    }
    let store = open_or_create(path)?;
    let existing = if arguments.replace { Existing::Replace } else { Existing::Keep };
    let bar = progress(import.accounts.len());
    let report = store.import(&import.accounts, existing, now(), |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    let report = report.map_err(|error| match error {
        ChangeError::Store(error) => error.into(),
        ChangeError::Refused(refusal) => Failure::unusable(refusal.to_string()),
    })?;
    for (number, name) in &report.kept {
        let name = Shown(name);
        tell(format_args!("{shown}: line {number}: {name} is there already and stays as it is; --replace changes it"));
    }
    anstream::println!("{}", summary(&report, &import));
    Ok(ExitCode::from(if import.rejected.is_empty() { 0 } else { STATUS_NO }))
}

/// What the file is called, and its content.
fn read(file: &Path) -> Result<(String, Zeroizing<Vec<u8>>), Failure> {
    if file == Path::new("-") {
        let failed = |error: StoreError| Failure::unusable(format!("standard input cannot be imported: {error}"));
        return Ok(("standard input".to_owned(), import::content(&mut std::io::stdin().lock()).map_err(failed)?));
    }
    let shown = file.display().to_string();
    let (content, exposure) = import::file_content(file)?;
    if let Some(exposure) = exposure {
        tell(format_args!("warning: {shown} holds secrets, and {exposure}"));
    }
    Ok((shown, content))
}

fn summary(report: &ImportReport, import: &Import) -> String {
    let ImportReport { added, replaced, unchanged, kept } = report;
    let parts = [
        (*added, "added"),
        (*replaced, "replaced"),
        (*unchanged, "unchanged"),
        (kept.len(), "left as they are"),
        (
            import.rejected.len(),
            if import.rejected.len() == 1 { "line without an account" } else { "lines without an account" },
        ),
    ];
    let parts = parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
    parts.collect::<Vec<_>>().join(", ")
}

fn progress(length: usize) -> ProgressBar {
    if length < LONG || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::stderr());
    bar.with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} accounts").unwrap_or(ProgressStyle::default_bar()),
    )
}

pub(super) fn export(path: &Path, arguments: &ExportArguments) -> Result<ExitCode, Failure> {
    let store = open(path)?;
    let Some(file) = arguments.file.as_deref().filter(|file| *file != Path::new("-")) else {
        tell("warning: what follows is as good as the passwords");
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        store.export(&mut out)?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    };
    let shown = file.display();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::unusable(format!("{shown} is there already and is not overwritten; name a new file"))
        }
        _ => Failure::unusable(format!("{shown} cannot be written: {error}")),
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let out = options.open(file).map_err(failed)?;
    let mut buffered = std::io::BufWriter::new(out);
    let written = store.export(&mut buffered).and_then(|number| {
        buffered.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        Ok(number)
    });
    let number = written.map_err(|error| {
        // A part of it would be taken for a backup.
        let _ = std::fs::remove_file(file);
        failed(error)
    })?;
    let accounts = if number == 1 { "account" } else { "accounts" };
    anstream::println!("wrote {number} {accounts} to {shown}");
    Ok(ExitCode::SUCCESS)
}
