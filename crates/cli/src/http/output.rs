//! The response: header lines, body, progress, JSON.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal as _, Write};
use std::process::ExitCode;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{CONTENT_LENGTH, PROXY_AUTHENTICATE, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ntlm_http::client::{Reached, ResponseBody};
use ntlm_http::header;
use serde_json::{Value, json};

use super::exit;
use super::options::Options;
use super::show::Log;
use crate::failure::{Failure, STATUS_NO};

/// From this length on a body shows its progress also where it goes to standard output.
const LONG: u64 = 1 << 20;

/// The longest body that is put into JSON.
const MAX_JSON: usize = 64 << 20;

pub(super) async fn deliver(
    response: Response<ResponseBody>,
    options: &Options,
    log: &Log,
) -> Result<ExitCode, Failure> {
    let status = response.status();
    note(&response, options);
    if options.fail && (status.is_client_error() || status.is_server_error()) {
        let exit_status = if wants_logon(status) { STATUS_NO } else { exit::STATUS_HTTP_ERROR };
        return Err(Failure::with_status(format!("the answer is {status}"), exit_status));
    }
    let mut sink = match &options.output {
        Some(path) => Sink::File(File::create(path).map_err(|error| cannot_write(path, &error))?),
        None => Sink::Stdout(std::io::stdout()),
    };
    if options.json {
        return as_json(response, options, log, sink).await;
    }
    if options.include || options.head {
        sink.write(&head(&response))?;
    }
    pour(response, options, &mut sink).await?;
    Ok(if wants_logon(status) { ExitCode::from(STATUS_NO) } else { ExitCode::SUCCESS })
}

/// Writes the body as it comes. How long it was.
async fn pour(response: Response<ResponseBody>, options: &Options, sink: &mut Sink) -> Result<usize, Failure> {
    let bar = progress(&response, options);
    let mut length = 0;
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| exit::failure(&error, options.cacert.is_some()))?.into_data() else {
            continue;
        };
        if !sink.write(&data)? {
            // Nobody reads on: head(1) has seen enough.
            return Ok(length);
        }
        length += data.len();
        bar.inc(data.len() as u64);
    }
    bar.finish_and_clear();
    sink.end()?;
    Ok(length)
}

/// Whether a logon is asked for: as the last word, a no.
fn wants_logon(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED)
}

/// Tells what the status alone does not.
fn note(response: &Response<ResponseBody>, options: &Options) {
    if options.silent {
        return;
    }
    let (header, option) = match response.status() {
        StatusCode::UNAUTHORIZED => (WWW_AUTHENTICATE, "-u"),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => (PROXY_AUTHENTICATE, "-U"),
        _ => return,
    };
    let values = response.headers().get_all(header).iter().map(http::HeaderValue::as_bytes);
    let reached = response.extensions().get::<Reached>();
    if reached.is_some_and(|reached| reached.credentials_dropped) {
        anstream::eprintln!(
            "ntlm: note: a redirect led to another origin, which asks for a logon and gets no credentials; fetch it by its own URL"
        );
    } else if !header::challenges(values).is_empty() {
        anstream::eprintln!("ntlm: note: a logon is asked for; name a user with {option}");
    }
}

/// Where the body goes.
enum Sink {
    Stdout(std::io::Stdout),
    File(File),
}

impl Sink {
    /// Writes; `false` when there is nobody left who reads.
    fn write(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        let written = match self {
            Self::Stdout(stdout) => stdout.write_all(bytes),
            Self::File(file) => file.write_all(bytes),
        };
        Self::told(written)
    }

    fn end(&mut self) -> Result<bool, Failure> {
        match self {
            Self::Stdout(stdout) => Self::told(stdout.flush()),
            Self::File(_) => Ok(true),
        }
    }

    fn told(written: std::io::Result<()>) -> Result<bool, Failure> {
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::unusable(format!("the response cannot be written: {error}"))),
        }
    }
}

fn cannot_write(path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::unusable(format!("{} cannot be written: {error}", path.display()))
}

/// The head of a response as it came.
fn head(response: &Response<ResponseBody>) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("{:?} {} {reason}\r\n", response.version(), status.as_u16()).into_bytes();
    for (name, value) in response.headers() {
        head.extend(name.as_str().bytes());
        head.extend(b": ");
        head.extend(value.as_bytes());
        head.extend(b"\r\n");
    }
    head.extend(b"\r\n");
    head
}

/// A bar on standard error for long transfers, if that is a terminal.
fn progress(response: &Response<ResponseBody>, options: &Options) -> ProgressBar {
    let length = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let to_terminal = options.output.is_none() && std::io::stdout().is_terminal();
    let long = options.output.is_some() || length.is_some_and(|length| length > LONG);
    if options.silent || options.head || to_terminal || !long || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    let template = match length {
        Some(_) => "{wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
        None => "{spinner} {binary_bytes} {binary_bytes_per_sec}",
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

async fn as_json(
    response: Response<ResponseBody>,
    options: &Options,
    log: &Log,
    mut sink: Sink,
) -> Result<ExitCode, Failure> {
    let reached = response.extensions().get::<Reached>();
    let (url, redirects) = reached.map_or((String::new(), 0), |reached| (reached.url.to_string(), reached.redirects));
    let headers: Vec<Value> = response
        .headers()
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let status = response.status();
    let object = match &options.output {
        Some(path) => {
            let length = pour(response, options, &mut sink).await?;
            json!({ "bytes": length, "file": path.display().to_string() })
        }
        None => {
            let body = response
                .into_body()
                .read(MAX_JSON)
                .await
                .map_err(|error| exit::failure(&error, options.cacert.is_some()))?;
            match std::str::from_utf8(&body) {
                Ok(text) => json!({ "bytes": body.len(), "text": text }),
                Err(_) => json!({ "bytes": body.len(), "base64": BASE64_STANDARD.encode(&body) }),
            }
        }
    };
    let object = json!({
        "url": url,
        "status": status.as_u16(),
        "headers": headers,
        "redirects": redirects,
        "logons": log.logons(),
        "body": object,
    });
    Sink::Stdout(std::io::stdout()).write(format!("{object:#}\n").as_bytes())?;
    Ok(if wants_logon(status) { ExitCode::from(STATUS_NO) } else { ExitCode::SUCCESS })
}
