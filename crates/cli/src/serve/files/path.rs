//! Paths in requests, and what they name under a directory.

use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

/// The path of a request: names of files, each a single one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestPath {
    pub(super) segments: Vec<String>,
    /// Whether it ends in `/`.
    pub(super) names_directory: bool,
}

impl RequestPath {
    /// Reads the path of a URL; `None` for one that names nothing that is served: steps upwards, hidden files, names that other systems read as several, as a
    /// stream of another file or as a device.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let names_directory = path.is_empty() || path.ends_with('/');
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(decoded);
        let segments = segments.collect::<Option<Vec<_>>>()?;
        segments.iter().all(|segment| is_served(segment)).then_some(Self { segments, names_directory })
    }

    pub(super) fn under(&self, root: &Path) -> PathBuf {
        root.join(self.segments.iter().collect::<PathBuf>())
    }

    /// As it stands in a URL, without a `/` at the end. It begins with one `/`: two would name another host.
    pub(super) fn encoded(&self) -> String {
        self.segments.iter().fold(String::new(), |path, segment| path + "/" + &encoded(segment))
    }
}

/// Whether a name is that of a file which is served.
pub(super) fn is_served(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && !name.contains(['/', '\\', ':', '\0'])
        && !name.contains(char::is_control)
}

/// Whether a path without links in it lies under the root, and on the way to it nothing that is not served: what a link leads to is no more than what can be asked for.
pub(super) fn is_within(path: &Path, root: &Path) -> bool {
    let served = |part: Component<'_>| is_served(&part.as_os_str().to_string_lossy());
    path.strip_prefix(root).is_ok_and(|below| below.components().all(served))
}

/// A segment of a path as it stands in a URL.
pub(super) fn encoded(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `None` for what is no percent-encoding of a text.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high << 4 | low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_names_a_file_or_a_directory_under_the_root() {
        let named = |path| RequestPath::parse(path).map(|path| (path.under(Path::new("/srv")), path.names_directory));
        for (path, expected, directory) in [
            ("/", "/srv", true),
            ("/a.txt", "/srv/a.txt", false),
            ("/a/b/", "/srv/a/b", true),
            ("//a//b", "/srv/a/b", false),
            ("/a%20b/%C3%A4", "/srv/a b/ä", false),
            ("/a+b", "/srv/a+b", false),
        ] {
            assert_eq!(named(path), Some((PathBuf::from(expected), directory)), "{path}");
        }
    }

    #[test]
    fn nothing_leads_out_of_the_root_or_to_hidden_files() {
        for path in [
            "",
            "*",
            "a",
            "/..",
            "/../a",
            "/a/../../b",
            "/%2e%2e/a",
            "/.%2E",
            "/..%2fa",
            "/a%2f..%2f..%2fb",
            "/..\\a",
            "/%5c..%5ca",
            "/a%00",
            "/.",
            "/.ssh/id",
            "/a/.git/config",
            "/%2ehidden",
            "/C:/a",
            "/a::$DATA",
            "/a%0a",
            "/%",
            "/%2",
            "/%zz",
            "/%ff%fe",
            "/%+1",
        ] {
            assert_eq!(RequestPath::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_location_never_names_another_host() {
        for path in ["//evil.example", "///evil.example", "/evil.example"] {
            assert_eq!(RequestPath::parse(path).unwrap().encoded(), "/evil.example");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_lies_under_the_root(path in "/([a-z./%\\\\]|%2[eEfF]|%5[cC]|\\.\\.){0,12}") {
            if let Some(parsed) = RequestPath::parse(&path) {
                let under = parsed.under(Path::new("/srv"));
                prop_assert!(under.starts_with("/srv"));
                prop_assert!(under.components().all(|part| part != std::path::Component::ParentDir));
            }
        }

        #[test]
        fn what_is_encoded_is_decoded(name in "\\PC{1,20}") {
            prop_assert_eq!(decoded(&encoded(&name)), Some(name));
        }
    }
}
