//! `-v`: every step on standard error. Of tokens it shows kind and length: a weak password can be guessed from an AUTHENTICATE_MESSAGE.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use http::header::{AUTHORIZATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue};
use ntlm::ContextInfo;
use ntlm_http::client::logon::Party;
use ntlm_http::client::observe::Event;
use ntlm_http::header;
use serde_json::{Value, json};

use super::options::Options;
use crate::output::{DIM, FIELD, GOOD, styled};

/// What was seen.
pub(super) struct Log {
    verbose: bool,
    tokens: bool,
    logons: Mutex<Vec<Value>>,
}

impl Log {
    pub(super) fn new(options: &Options) -> Self {
        Self { verbose: options.verbose, tokens: options.show_tokens, logons: Mutex::default() }
    }

    /// The logons so far, for JSON.
    pub(super) fn logons(&self) -> Vec<Value> {
        self.logons.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn observe(&self, event: &Event<'_>) {
        if let Event::LoggedOn { party, context } = event {
            self.logons.lock().unwrap_or_else(PoisonError::into_inner).push(logon(*party, context));
        }
        if self.verbose {
            // Nobody may be listening; that is no reason to stop.
            let _ = anstream::stderr().write_all(self.text(event).as_bytes());
        }
    }

    fn text(&self, event: &Event<'_>) -> String {
        let note = |text: String| format!("{} {text}\n", styled(DIM, "*"));
        match event {
            Event::Connected { peer, address } => note(format!("connected to {peer} ({address})")),
            Event::Secured { peer, bound: true } => {
                note(format!("TLS with {peer}; logons are bound to its certificate"))
            }
            Event::Secured { peer, bound: false } => note(format!("TLS with {peer}; logons are not bound to it")),
            Event::Reused { peer } => note(format!("the connection to {peer} is used again")),
            Event::Request { method, target, headers, body_withheld } => {
                let mut text = format!("{} {method} {target} HTTP/1.1\n", styled(FIELD, ">"));
                self.headers(">", headers, &mut text);
                if *body_withheld {
                    text.push_str(&note("the body waits until the logon is through".to_owned()));
                }
                text
            }
            Event::Response { version, status, headers } => {
                let mut text = format!("{} {version:?} {status}\n", styled(FIELD, "<"));
                self.headers("<", headers, &mut text);
                text
            }
            Event::LoggedOn { party, context } => note(styled(GOOD, logged_on(*party, context))),
            Event::Again { reason } => note(format!("{reason}; once more, on a new connection")),
            Event::Redirected { to, without_credentials: true } => {
                note(format!("redirected to {to}: another origin, which gets no credentials"))
            }
            Event::Redirected { to, without_credentials: false } => note(format!("redirected to {to}")),
            _ => String::new(),
        }
    }

    fn headers(&self, mark: &str, headers: &HeaderMap, text: &mut String) {
        for (name, value) in headers {
            // Writing to a String never fails.
            let _ = writeln!(text, "{} {name}: {}", styled(FIELD, mark), self.value(name, value));
        }
    }

    /// The value of a header for people: tokens cut down, control characters escaped.
    fn value(&self, name: &HeaderName, value: &HeaderValue) -> String {
        let printed = String::from_utf8_lossy(value.as_bytes()).escape_debug().to_string();
        let printed = printed.replace("\\\"", "\"").replace("\\'", "'");
        if self.tokens {
            return printed;
        }
        if *name == AUTHORIZATION || *name == PROXY_AUTHORIZATION {
            let scheme = printed.split_ascii_whitespace().next().unwrap_or_default().to_owned();
            return match header::credentials(value.as_bytes()) {
                Ok(Some(credentials)) => format!("{} {}", credentials.scheme, token(&credentials.token)),
                Ok(None) | Err(_) => format!("{scheme} ..."),
            };
        }
        if *name == WWW_AUTHENTICATE || *name == PROXY_AUTHENTICATE {
            let challenges = header::challenges([value.as_bytes()]);
            let with_token = challenges.iter().flatten().find_map(|offer| Some((offer.scheme, offer.token.as_ref()?)));
            if let Some((scheme, bytes)) = with_token {
                return format!("{scheme} {}", token(bytes));
            }
        }
        printed
    }
}

/// A token by kind and length.
fn token(bytes: &[u8]) -> String {
    let kind = match bytes.strip_prefix(b"NTLMSSP\0").and_then(<[u8]>::first) {
        Some(1) => "NEGOTIATE_MESSAGE",
        Some(2) => "CHALLENGE_MESSAGE",
        Some(3) => "AUTHENTICATE_MESSAGE",
        _ => "token",
    };
    format!("<{kind}, {} bytes>", bytes.len())
}

fn logged_on(party: Party, context: &ContextInfo) -> String {
    let to = match party {
        Party::Server => "the server",
        Party::Proxy => "the proxy",
    };
    let mut text = format!("logged on to {to} as {}", context.identity());
    for (there, what) in [(context.has_mic(), "MIC"), (context.channel_bindings().is_some(), "channel bindings")] {
        text.push_str(if there { ", with " } else { ", without " });
        text.push_str(what);
    }
    if let Some(target) = context.target_name() {
        let _ = write!(text, ", for {target}");
    }
    text
}

fn logon(party: Party, context: &ContextInfo) -> Value {
    let identity = context.identity();
    json!({
        "party": match party {
            Party::Server => "server",
            Party::Proxy => "proxy",
        },
        "user": identity.user.to_string_lossy(),
        "domain": identity.domain.to_string_lossy(),
        "mic": context.has_mic(),
        "channel_bindings": context.channel_bindings().is_some(),
        "target_name": context.target_name().map(ntlm::UnicodeString::to_string_lossy),
    })
}
