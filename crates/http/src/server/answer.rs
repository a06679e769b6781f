//! Requests that are not executed: what is answered instead, and the one place where what went wrong with a logon becomes a status.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use ntlm::Error;
use ntlm::logon::LogonFailureKind;

use super::settings::Settings;
use crate::header::{HeaderError, Scheme};

/// What a client is answered whose request is not executed.
///
/// | status | when |
/// |---|---|
/// | 401 (407) with offers | the client has not said who it is, or the logon was refused; all refusals look alike |
/// | 401 (407) with a token | leg 2 |
/// | 400 | the credentials cannot be read, or there are two |
/// | 403 | NTLM itself is forbidden by policy, whoever asks |
/// | 429 with Retry-After | too many wrong passwords came from the client's address |
/// | 503 with Retry-After | nobody could decide; too many half-open logons |
/// | 505 | over this version of HTTP connections cannot be authenticated |
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header of the challenges.
    pub challenge_header: HeaderName,
    /// The challenges, a line each.
    pub challenges: Vec<HeaderValue>,
    /// What Retry-After says.
    pub retry_after: Option<Duration>,
    /// Whether the connection ends with this answer.
    pub close: bool,
    /// The body, for people.
    pub text: Cow<'static, str>,
}

/// Of every refusal with a 401, whatever the reason.
const ASKED: &str = "Log on with NTLM to see this.\n";

impl Answer {
    fn new(settings: &Settings, status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            challenge_header: settings.endpoint.challenge_header(),
            challenges: Vec::new(),
            retry_after: None,
            close: false,
            text: text.into(),
        }
    }

    fn asking(settings: &Settings, challenges: Vec<HeaderValue>) -> Self {
        Self { challenges, ..Self::new(settings, settings.endpoint.status(), ASKED) }
    }

    /// All offers and no token: the beginning, and the end of a logon that failed.
    pub(super) fn offers(settings: &Settings) -> Self {
        let negotiate = settings.offer_negotiate.then_some(Scheme::Negotiate);
        let schemes = negotiate.into_iter().chain([Scheme::Ntlm]);
        Self::asking(settings, schemes.map(Scheme::offer).collect())
    }

    /// For clients that took Negotiate to be SPNEGO.
    pub(super) fn only_ntlm(settings: &Settings) -> Self {
        Self::asking(settings, vec![Scheme::Ntlm.offer()])
    }

    /// Leg 2.
    pub(super) fn challenge(settings: &Settings, value: HeaderValue) -> Self {
        Self::asking(settings, vec![value])
    }

    pub(super) fn unreadable(settings: &Settings, error: HeaderError) -> Self {
        Self::new(settings, StatusCode::BAD_REQUEST, format!("{error}.\n"))
    }

    pub(super) fn ambiguous(settings: &Settings) -> Self {
        let name = settings.endpoint.credentials_header();
        Self { close: true, ..Self::new(settings, StatusCode::BAD_REQUEST, format!("more than one header {name}.\n")) }
    }

    pub(super) fn busy(settings: &Settings) -> Self {
        let text = "Too many logons have begun and not ended; try again later.\n";
        let retry_after = Some(settings.limits.retry_after);
        Self { retry_after, ..Self::new(settings, StatusCode::SERVICE_UNAVAILABLE, text) }
    }

    pub(super) fn throttled(settings: &Settings, remaining: Duration) -> Self {
        let text = "Too many wrong passwords came from this address; try again later.\n";
        Self { retry_after: Some(remaining), ..Self::new(settings, StatusCode::TOO_MANY_REQUESTS, text) }
    }

    pub(super) fn wrong_version(settings: &Settings) -> Self {
        let text = "NTLM authenticates a connection. Use HTTP/1.1, one connection for each user, and keep it open: HTTP/2 and HTTP/3 mix requests, and HTTP/1.0 \
                    closes after each unless it says `Connection: keep-alive`.\n";
        Self { close: true, ..Self::new(settings, StatusCode::HTTP_VERSION_NOT_SUPPORTED, text) }
    }

    /// The server is not set up: the connection carries no state.
    pub(super) fn unprepared(settings: &Settings) -> Self {
        let text = "This server is not set up to authenticate connections; its log says more.\n";
        Self::new(settings, StatusCode::INTERNAL_SERVER_ERROR, text)
    }

    /// What a failed logon is answered. Nothing about the account is told, not even whether there is one.
    pub(super) fn failed(settings: &Settings, error: &Error) -> Self {
        match Failure::of(error) {
            Failure::Refused => Self::offers(settings),
            Failure::Undecided => {
                let text = "Nobody could say whether the password is right; try again later.\n";
                let retry_after = Some(settings.limits.retry_after);
                Self { retry_after, ..Self::new(settings, StatusCode::SERVICE_UNAVAILABLE, text) }
            }
            Failure::Forbidden => Self::new(settings, StatusCode::FORBIDDEN, "NTLM is blocked by policy here.\n"),
        }
    }

    /// The answer as a response.
    #[must_use]
    pub fn into_response(self) -> Response<Full<Bytes>> {
        let body = match self.text {
            Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
            Cow::Owned(text) => Bytes::from(text),
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        for challenge in self.challenges {
            headers.append(&self.challenge_header, challenge);
        }
        if let Some(after) = self.retry_after {
            // Rounded up: not a moment too early.
            headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs() + u64::from(after.subsec_nanos() > 0)));
        }
        if self.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// What a failed logon comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The client, or what it sent, is not believed.
    Refused,
    /// Nobody could decide; that is not the client's fault.
    Undecided,
    /// NTLM is not wanted.
    Forbidden,
}

impl Failure {
    /// Every way for a logon to fail, in the words of HTTP.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::Malformed(_) | Error::Rejected(_) | Error::OutOfSequence(_) => Self::Refused,
            Error::Incompatible(ntlm::error::Incompatible::Blocked) => Self::Forbidden,
            Error::Incompatible(_) => Self::Refused,
            Error::Entropy(_) => Self::Undecided,
            Error::Logon(failure) => match failure.kind() {
                LogonFailureKind::Denied => Self::Refused,
                LogonFailureKind::NoAuthority | LogonFailureKind::Internal | LogonFailureKind::TimeSkew => {
                    Self::Undecided
                }
                LogonFailureKind::Blocked => Self::Forbidden,
            },
        }
    }
}
