//! Following redirects (RFC 9110 section 15.4) without taking anything along that belongs to the origin left behind.

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, COOKIE, HOST, LOCATION};
use http::{HeaderMap, Method, Response, StatusCode, Uri};

use super::body::Body;
use super::error::Error;
use super::url;

/// Where a response leads to; `None` when it is no redirect.
pub(super) fn target<B>(response: &Response<B>, from: &Uri) -> Result<Option<Uri>, Error> {
    let is_redirect = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let location = response.headers().get(LOCATION).filter(|_| is_redirect);
    location.map(|location| url::resolve(from, location.as_bytes())).transpose()
}

/// Changes method and body as the status says.
pub(super) fn rewrite(status: StatusCode, method: &mut Method, headers: &mut HeaderMap, body: &mut Body) {
    let becomes_get = match status {
        StatusCode::SEE_OTHER => *method != Method::HEAD,
        // What every browser does, and the RFC allows for POST.
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        _ => false,
    };
    if becomes_get {
        *method = Method::GET;
        *body = Body::empty();
        for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE] {
            headers.remove(name);
        }
    }
}

/// Takes away what another origin must not see.
pub(super) fn strip(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, COOKIE, HOST] {
        headers.remove(name);
    }
}
