//! The request, from the command line.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body::Frame;
use ntlm_http::client::Body;
use tokio::io::{AsyncRead as _, ReadBuf};

use super::options::Options;
use crate::failure::Failure;

/// Bytes that are read from a file at once.
const PIECE: usize = 64 * 1024;

pub(super) fn build(options: &Options) -> Result<Request<Body>, Failure> {
    let method = match options.request.as_deref() {
        Some(name) => Method::from_bytes(name.as_bytes())
            .map_err(|_| Failure::unusable(format!("-X {}: that is no method", name.escape_debug())))?,
        None if options.head => Method::HEAD,
        None if options.data.is_some() => Method::POST,
        None => Method::GET,
    };
    let mut headers = HeaderMap::new();
    for line in &options.header {
        let (name, value) = header(line)?;
        headers.append(name, value);
    }
    let mut usual = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    usual(ACCEPT, "*/*");
    usual(USER_AGENT, concat!("ntlm/", env!("CARGO_PKG_VERSION")));
    if options.data.is_some() {
        usual(CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    // What is wrong with the URL, in the client's words; a user in it is not repeated.
    let origin = options.url.parse::<ntlm_http::client::Origin>();
    origin.map_err(|error| Failure::unusable(error.to_string()))?;
    let mut request = Request::new(body(options.data.as_deref())?);
    *request.method_mut() = method;
    *request.uri_mut() = options.url.parse().map_err(|_| Failure::unusable("the URL is malformed"))?;
    *request.headers_mut() = headers;
    Ok(request)
}

fn header(line: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    // Not quoted: it may hold a secret.
    let fail = || Failure::unusable("-H takes a header line, such as 'Accept: text/plain'");
    let (name, value) = line.split_once(':').ok_or_else(fail)?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| fail())?;
    let value = HeaderValue::from_bytes(value.trim().as_bytes()).map_err(|_| fail())?;
    Ok((name, value))
}

fn body(data: Option<&str>) -> Result<Body, Failure> {
    let Some(data) = data else { return Ok(Body::empty()) };
    let Some(path) = data.strip_prefix('@') else { return Ok(Body::from(data.to_owned())) };
    if path == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        return Ok(Body::from(bytes));
    }
    let fail =
        |error: std::io::Error| Failure::unusable(format!("{} cannot be read: {error}", Path::new(path).display()));
    let metadata = std::fs::metadata(path).map_err(fail)?;
    if !metadata.is_file() {
        // A pipe cannot be opened again.
        return std::fs::read(path).map(Body::from).map_err(fail);
    }
    // Now, rather than in the middle of the logon.
    drop(std::fs::File::open(path).map_err(fail)?);
    let path = PathBuf::from(path);
    Ok(Body::opened(Some(metadata.len()), move || {
        std::fs::File::open(&path).map(|file| FileBody(tokio::fs::File::from_std(file)))
    }))
}

/// A file on its way.
struct FileBody(tokio::fs::File);

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        let mut piece = vec![0; PIECE];
        let mut buffer = ReadBuf::new(&mut piece);
        if let Err(error) = ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer)) {
            return Poll::Ready(Some(Err(error)));
        }
        let read = buffer.filled().len();
        piece.truncate(read);
        Poll::Ready((read > 0).then(|| Ok(Frame::data(piece.into()))))
    }
}
