//! Whom a URL means, and where a redirect leads.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{PathAndQuery, Scheme};

use super::error::Error;

/// Scheme, host and port (RFC 6454): whom credentials belong to.
#[derive(Clone, Debug)]
pub struct Origin {
    secure: bool,
    /// As it was typed: a target name is made of it.
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an absolute URL.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] unless it is http or https with a host, and without a user.
    pub fn of(url: &Uri) -> Result<Self, Error> {
        let fail = |reason| Error::Url { url: without_user(&url.to_string()), reason };
        let secure = match url.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(_) => return Err(fail("only http and https are spoken")),
            None => return Err(fail("it has no scheme; begin it with http:// or https://")),
        };
        let authority = url.authority().ok_or_else(|| fail("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(fail(
                "it has a user or a password in it, where others see them; give credentials apart from it",
            ));
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(fail("it has no host"));
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if authority.as_str().len() != host.len() => return Err(fail("its port is no port")),
            None => default_port(secure),
        };
        Ok(Self { secure, host: host.to_owned(), port })
    }

    /// Whether it is https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host as it was written; a v6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port, for the header `Host` and for people: the port where it is not that of the scheme.
    pub(super) fn authority(&self) -> String {
        if self.port == default_port(self.secure) { self.host.clone() } else { self.host_and_port() }
    }

    pub(super) fn host_and_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The host as the resolver and TLS take it: without the brackets of v6 addresses.
    pub(super) fn bare_host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }

    /// The service principal name: the host as it was typed, without port.
    pub(super) fn target_name(&self) -> String {
        format!("HTTP/{}", self.host)
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.secure == other.secure && self.port == other.port && self.host.eq_ignore_ascii_case(&other.host)
    }
}

impl Eq for Origin {}

impl std::hash::Hash for Origin {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.secure, self.port, self.host.to_ascii_lowercase()).hash(state);
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }
}

impl FromStr for Origin {
    type Err = Error;

    /// The origin of a URL in text; the path counts for nothing.
    fn from_str(url: &str) -> Result<Self, Error> {
        Self::of(&parse(url)?)
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

pub(super) fn parse(url: &str) -> Result<Uri, Error> {
    let reason = "it is malformed; hosts beyond ASCII are written in their form xn--";
    url.parse().map_err(|_| Error::Url { url: without_user(url), reason })
}

/// A URL for people: without what stands before `@` in its authority, which may be a password.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://...{}", rest.get(at..).unwrap_or_default()),
        None => url.to_owned(),
    }
}

/// The path and query of a URL, `/` where it has none.
pub(super) fn path(url: &Uri) -> PathAndQuery {
    match url.path_and_query() {
        Some(path) if path.path().is_empty() => {
            format!("/{path}").parse().unwrap_or_else(|_| PathAndQuery::from_static("/"))
        }
        Some(path) => path.clone(),
        None => PathAndQuery::from_static("/"),
    }
}

/// Where `location` leads from `base` (RFC 3986 section 5.2). Users in it are dropped: nobody's credentials come from a redirect.
pub(super) fn resolve(base: &Uri, location: &[u8]) -> Result<Uri, Error> {
    let location = encoded(location);
    let fail = |reason| Error::Url { url: without_user(&location), reason };
    let reference = location.split('#').next().unwrap_or_default();
    let origin = Origin::of(base)?;
    let absolute = if let Some(rest) = reference.strip_prefix("//") {
        format!("{}://{rest}", if origin.secure { "https" } else { "http" })
    } else if has_scheme(reference) {
        reference.to_owned()
    } else {
        let base_path = path(base);
        let (relative, query) = match reference.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (reference, None),
        };
        let (path, query) = match relative {
            "" => (base_path.path().to_owned(), query.or(base_path.query())),
            rooted if rooted.starts_with('/') => (without_dots(rooted), query),
            relative => {
                let folder = base_path.path().rsplit_once('/').map_or("", |(folder, _)| folder);
                (without_dots(&format!("{folder}/{relative}")), query)
            }
        };
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        format!("{origin}{path}{query}")
    };
    let (scheme, rest) = absolute.split_once("://").ok_or_else(|| fail("only http and https are followed"))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let url = format!("{scheme}://{host}{path}").parse().map_err(|_| fail("it is malformed"))?;
    Origin::of(&url)?;
    Ok(url)
}

fn has_scheme(reference: &str) -> bool {
    let name = reference.split(['/', '?']).next().unwrap_or_default().split_once(':').map(|(name, _)| name);
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(letter))
}

/// Bytes that a URL cannot have, percent-encoded; servers write them into `Location` all the same.
fn encoded(location: &[u8]) -> String {
    let mut text = String::with_capacity(location.len());
    for &byte in location.trim_ascii() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// RFC 3986 section 5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_rfc_3986_says() {
        let base: Uri = "http://a.test/b/c/d?q".parse().unwrap();
        for (location, url) in [
            ("g", "http://a.test/b/c/g"),
            ("./g", "http://a.test/b/c/g"),
            ("g/", "http://a.test/b/c/g/"),
            ("/g", "http://a.test/g"),
            ("//g.test", "http://g.test/"),
            ("?y", "http://a.test/b/c/d?y"),
            ("g?y", "http://a.test/b/c/g?y"),
            ("#s", "http://a.test/b/c/d?q"),
            ("", "http://a.test/b/c/d?q"),
            (".", "http://a.test/b/c/"),
            ("..", "http://a.test/b/"),
            ("../g", "http://a.test/b/g"),
            ("../../../g", "http://a.test/g"),
            ("/./g", "http://a.test/g"),
            ("http://b.test", "http://b.test/"),
            ("https://b.test:444/x?y#z", "https://b.test:444/x?y"),
            ("http://user:password@b.test/x", "http://b.test/x"),
            ("x y\u{e9}", "http://a.test/b/c/x%20y%C3%A9"),
            ("g;x=1/../y", "http://a.test/b/c/y"),
        ] {
            assert_eq!(resolve(&base, location.as_bytes()).unwrap(), url, "{location}");
        }
        for refused in ["ftp://b.test/", "javascript:alert(1)", "file:///etc/passwd", "http://", "http://b.test:x/"] {
            assert!(resolve(&base, refused.as_bytes()).is_err(), "{refused}");
        }
    }

    #[test]
    fn origins_differ_in_scheme_host_or_port() {
        let origin = |url: &str| url.parse::<Origin>().unwrap();
        assert_eq!(origin("http://a.test/x"), origin("HTTP://A.test:80/y"));
        assert_eq!(origin("https://a.test"), origin("https://a.test:443/"));
        for other in ["https://a.test", "http://a.test:8080", "http://b.test", "http://a.test.", "http://x.a.test"] {
            assert_ne!(origin("http://a.test"), origin(other));
        }
        assert_eq!(origin("http://[::1]:8080/").bare_host(), "::1");
        assert_eq!(origin("http://[::1]:8080/").to_string(), "http://[::1]:8080");
        assert_eq!(origin("http://Web.test:8080").target_name(), "HTTP/Web.test");
    }

    #[test]
    fn urls_that_cannot_be_meant_are_refused_without_showing_passwords() {
        for url in [
            "a.test",
            "ftp://a.test",
            "http://u:secret@a.test/",
            "http://u:secret@a.test:x/",
            "/x",
            "http://a.test:99999/",
        ] {
            let error = url.parse::<Origin>().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
