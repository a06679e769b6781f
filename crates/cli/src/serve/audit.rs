//! Where the audit records go.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ntlm_accounts::audit::{AuditSink, AuditWriter};

use super::options::{Arguments, Format};
use crate::failure::Failure;

/// How long the last records may take to be written when the server stops.
const LAST_RECORDS: Duration = Duration::from_secs(5);

/// The writer of the records.
pub(super) struct Audit(Arc<AuditWriter>);

pub(super) fn sink(arguments: &Arguments) -> Result<Audit, Failure> {
    let output: Box<dyn Write + Send> = match arguments.audit.as_deref() {
        None => Box::new(std::io::stderr()),
        Some(path) if path == Path::new("-") => Box::new(std::io::stdout()),
        Some(path) => Box::new(append(path)?),
    };
    let writer = match arguments.audit_format {
        Format::Text => AuditWriter::text(output),
        Format::Json => AuditWriter::json(output),
    }?;
    Ok(Audit(Arc::new(writer.on_failure(|error| tracing::error!("audit records are lost: {error}")))))
}

/// Records name users and addresses: nobody else's business.
fn append(path: &Path) -> Result<std::fs::File, Failure> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map_err(|error| Failure::unusable(format!("audit records cannot be written to {}: {error}", path.display())))
}

impl Audit {
    pub(super) fn sink(&self) -> Arc<dyn AuditSink> {
        Arc::<AuditWriter>::clone(&self.0)
    }

    /// Waits for the last records.
    pub(super) fn finish(&self) {
        if !self.0.flush(LAST_RECORDS) {
            tracing::error!("the last audit records could not be written");
        }
    }
}
