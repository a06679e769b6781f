//! Directories as pages.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use ntlm::FileTime;

use super::path::{RequestPath, encoded, is_served, is_within};
use crate::output::time;
use crate::serve::site::escaped;

/// Entries that a page shows at the most.
const LONGEST: usize = 10_000;

/// What a directory holds.
pub(super) struct Entry {
    /// Directories come first.
    is_file: bool,
    name: String,
    length: u64,
    modified: Option<SystemTime>,
}

/// The entries of a directory that are served, by name. Of a link, what it leads to, unless that lies outside of `root` or is hidden.
pub(super) fn entries(root: &Path, directory: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(directory)?.take(LONGEST) {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_link = entry.file_type()?.is_symlink();
        if is_link && !entry.path().canonicalize().is_ok_and(|path| is_within(&path, root)) {
            continue;
        }
        let Ok(metadata) = std::fs::metadata(entry.path()) else { continue };
        if is_served(&name) && (metadata.is_dir() || metadata.is_file()) {
            let (is_file, length, modified) = (metadata.is_file(), metadata.len(), metadata.modified().ok());
            entries.push(Entry { is_file, name, length, modified });
        }
    }
    entries.sort_by(|a, b| (a.is_file, &a.name).cmp(&(b.is_file, &b.name)));
    Ok(entries)
}

pub(super) fn page(path: &RequestPath, entries: &[Entry]) -> String {
    let title = escaped(&format!("/{}", path.segments.iter().map(|segment| format!("{segment}/")).collect::<String>()));
    let up = if path.segments.is_empty() { "" } else { "<tr><td><a href=\"../\">../</a></td></tr>\n" };
    let rows: String = entries.iter().map(row).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n\
         <style>body {{ font: 1em sans-serif; margin: 2em }} td {{ padding-right: 2em }} td + td {{ text-align: right; color: #666 }}</style>\n\
         <h1>{title}</h1>\n<table>\n{up}{rows}</table>\n"
    )
}

fn row(entry: &Entry) -> String {
    let slash = if entry.is_file { "" } else { "/" };
    let length = if entry.is_file { entry.length.to_string() } else { String::new() };
    let since = entry.modified.and_then(|modified| modified.duration_since(SystemTime::UNIX_EPOCH).ok());
    let modified = since.map(|since| time(FileTime::from_unix(since))).unwrap_or_default();
    let modified = modified.split('.').next().unwrap_or_default();
    // A name may look like a scheme: `./` says that it is none.
    let (href, name) = (encoded(&entry.name), escaped(&entry.name));
    format!("<tr><td><a href=\"./{href}{slash}\">{name}{slash}</a></td><td>{length}</td><td>{modified}</td></tr>\n")
}
