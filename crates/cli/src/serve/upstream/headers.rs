//! The headers of requests that are passed on, and of responses that are passed back.

use std::net::IpAddr;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};
use ntlm_http::header::challenges;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const PERSISTENT_AUTH: HeaderName = HeaderName::from_static("persistent-auth");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Further headers in which servers behind look for what only a proxy can say.
const OF_PROXIES: [HeaderName; 5] = [
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-forwarded-user"),
];

/// Headers that concern one connection and not the next (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    PROXY_CONNECTION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Makes the headers of a client those of this server.
pub(super) fn forth(headers: &mut HeaderMap, user_header: &HeaderName, user: HeaderValue, client: IpAddr, tls: bool) {
    remove_hop_by_hop(headers);
    // The body is read here, which asks for it; and whatever is in Authorization was for here.
    headers.remove(EXPECT);
    headers.remove(AUTHORIZATION);
    for ours in [user_header, &X_FORWARDED_FOR, &X_FORWARDED_PROTO, &FORWARDED].into_iter().chain(&OF_PROXIES) {
        remove_alike(headers, ours);
    }
    headers.insert(user_header, user);
    if let Ok(client) = HeaderValue::try_from(client.to_string()) {
        headers.insert(X_FORWARDED_FOR, client);
    }
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(if tls { "https" } else { "http" }));
}

/// Makes the headers of the server behind those of this server. Challenges of our schemes would make the client log on to this server again.
pub(super) fn back(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    headers.remove(PERSISTENT_AUTH);
    let others: Vec<_> = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter(|value| challenges([value.as_bytes()]).is_empty())
        .cloned()
        .collect();
    headers.remove(WWW_AUTHENTICATE);
    for challenge in others {
        headers.append(WWW_AUTHENTICATE, challenge);
    }
}

/// Whether a header cannot carry a user's name.
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    let others = [HOST, CONTENT_LENGTH, EXPECT, AUTHORIZATION, X_FORWARDED_FOR, X_FORWARDED_PROTO, FORWARDED];
    HOP_BY_HOP.iter().chain(&others).any(|reserved| alike(reserved, name))
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> =
        values.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok()).collect();
    for name in named.iter().filter(|name| !matches!(**name, HOST | CONTENT_LENGTH)).chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Removes a header in every form in which servers behind may take it for this one.
fn remove_alike(headers: &mut HeaderMap, name: &HeaderName) {
    let found: Vec<_> = headers.keys().filter(|found| alike(found, name)).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

/// Whether two names are one to programs that make variables of them: `X-Remote-User`, `x_remote_user` and `X.Remote.User` are.
fn alike(a: &HeaderName, b: &HeaderName) -> bool {
    let variable = |name: &HeaderName| -> String {
        name.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
    };
    variable(a) == variable(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn sent(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = map(lines);
        let user_header = HeaderName::from_static("x-remote-user");
        forth(&mut headers, &user_header, HeaderValue::from_static("EXAMPLE\\alice"), [192, 0, 2, 1].into(), true);
        headers
    }

    #[test]
    fn the_users_name_is_ours_to_say_in_whatever_form() {
        for name in ["X-Remote-User", "x-remote-user", "X_Remote_User", "x-remote_user", "X.Remote.User"] {
            let headers = sent(&[(name, "EXAMPLE\\admin"), (name, "EXAMPLE\\root"), ("accept", "*/*")]);
            let found: Vec<_> = headers.iter().filter(|(found, _)| found.as_str().contains("user")).collect();
            assert_eq!(found.len(), 1, "{name}: {found:?}");
            assert_eq!(headers["x-remote-user"], "EXAMPLE\\alice");
            assert_eq!(headers["accept"], "*/*");
        }
        // Nor can it be named away.
        assert_eq!(sent(&[("connection", "x-remote-user, close")])["x-remote-user"], "EXAMPLE\\alice");
    }

    #[test]
    fn what_concerns_this_connection_is_not_passed_on() {
        let headers = sent(&[
            ("host", "web1"),
            ("connection", "keep-alive, X-Secret, Host, Content-Length"),
            ("x-secret", "1"),
            ("content-length", "5"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("proxy-authorization", "NTLM AAAA"),
            ("authorization", "NTLM AAAA"),
            ("expect", "100-continue"),
            ("x-forwarded-for", "203.0.113.9"),
            ("x_forwarded_for", "203.0.113.9"),
            ("forwarded", "for=203.0.113.9"),
            ("x-real-ip", "203.0.113.9"),
            ("x_real_ip", "203.0.113.9"),
            ("x-forwarded-host", "web2"),
            ("x-forwarded-port", "1"),
            ("x-forwarded-server", "web2"),
            ("x-forwarded-user", "admin"),
        ]);
        let expected = map(&[
            ("host", "web1"),
            ("content-length", "5"),
            ("x-remote-user", "EXAMPLE\\alice"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "https"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn challenges_of_our_schemes_are_not_passed_back() {
        let mut headers = map(&[
            ("www-authenticate", "NTLM"),
            ("www-authenticate", "Negotiate YII="),
            ("www-authenticate", "Basic realm=\"a\""),
            ("persistent-auth", "true"),
            ("connection", "close"),
            ("etag", "\"1\""),
        ]);
        back(&mut headers);
        assert_eq!(headers, map(&[("www-authenticate", "Basic realm=\"a\""), ("etag", "\"1\"")]));
    }
}
