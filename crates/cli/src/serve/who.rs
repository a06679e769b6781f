//! The site that says who you are.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, Response};
use ntlm_http::server::NtlmUser;
use serde_json::json;

use super::body::{ResponseBody, full};
use super::site::{escaped, html, private};
use crate::output::time;

/// JSON, or a page for browsers. Any method and any path will do: a client is tried, not a site.
pub(super) fn respond<B>(request: &Request<B>, user: &NtlmUser) -> Response<ResponseBody> {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("text/html") { html(page(user)) } else { json(user) }
}

fn json(user: &NtlmUser) -> Response<ResponseBody> {
    let info = user.info();
    let text = json!({
        "account": user.account().to_string_lossy(),
        "user": user.user().to_string_lossy(),
        "domain": user.domain().to_string_lossy(),
        "workstation": info.identity().workstation.to_string_lossy(),
        "target_name": info.target_name().map(ntlm::UnicodeString::to_string_lossy),
        "mic": info.has_mic(),
        "channel_bindings": info.channel_bindings().is_some(),
        "since": time(info.established_at()),
    });
    let mut response = Response::new(full(format!("{text:#}\n")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    private(response)
}

fn page(user: &NtlmUser) -> String {
    let info = user.info();
    let rows = [
        ("Account", user.to_string()),
        ("Workstation", info.identity().workstation.to_string()),
        ("Service meant", info.target_name().map(ToString::to_string).unwrap_or_default()),
        ("Messages protected (MIC)", yes(info.has_mic())),
        ("Bound to this channel", yes(info.channel_bindings().is_some())),
        ("Logged on", time(info.established_at())),
    ];
    let rows: String =
        rows.iter().map(|(name, value)| format!("<tr><th>{name}</th><td>{}</td></tr>\n", escaped(value))).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{account}</title>\n\
         <style>body {{ font: 1.1em sans-serif; margin: 3em }} th {{ text-align: left; font-weight: normal; color: #666; padding-right: 2em }}</style>\n\
         <h1>You are {account}</h1>\n<table>\n{rows}</table>\n",
        account = escaped(&user.to_string())
    )
}

fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}
