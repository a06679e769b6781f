//! The site of files.

mod content_type;
mod listing;
mod path;

use std::io;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_MODIFIED_SINCE, LAST_MODIFIED, LOCATION};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};
use tokio::fs::File;
use tokio::io::{AsyncRead as _, ReadBuf};

use self::path::{RequestPath, is_within};
use super::body::{BoxError, ResponseBody};
use super::site::{html, only_get, page, private};
use crate::failure::Failure;

/// Bytes of a file that are read at a time.
const CHUNK: usize = 64 << 10;

/// The files under a directory. Hidden ones are not there for anybody, and links lead nowhere out of it and to nothing hidden.
#[derive(Debug)]
pub(super) struct Files {
    /// Without links in it.
    root: PathBuf,
}

impl Files {
    pub(super) fn new(directory: &Path) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::unusable(format!("the directory {} cannot be served: {error}", directory.display()))
        };
        let root = directory.canonicalize().map_err(|error| failed(&error))?;
        if !root.is_dir() {
            return Err(failed(&"it is no directory"));
        }
        Ok(Self { root })
    }

    pub(super) async fn respond<B>(&self, request: &Request<B>) -> Response<ResponseBody> {
        if let Some(refusal) = only_get(request.method()) {
            return refusal;
        }
        let Some(path) = RequestPath::parse(request.uri().path()) else {
            return page(StatusCode::NOT_FOUND, "There is no such file.\n");
        };
        let since = request.headers().get(IF_MODIFIED_SINCE);
        match self.find(&path, since).await {
            Ok(response) => response,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput => {
                    page(StatusCode::NOT_FOUND, "There is no such file.\n")
                }
                io::ErrorKind::PermissionDenied => page(StatusCode::FORBIDDEN, "The server may not read this file.\n"),
                _ => {
                    tracing::error!("a file cannot be served: {error}");
                    page(StatusCode::INTERNAL_SERVER_ERROR, "The file cannot be read.\n")
                }
            },
        }
    }

    async fn find(&self, path: &RequestPath, since: Option<&HeaderValue>) -> io::Result<Response<ResponseBody>> {
        let found = self.inside(&path.under(&self.root)).await?;
        if !tokio::fs::metadata(&found).await?.is_dir() {
            return if path.names_directory {
                Err(io::ErrorKind::NotADirectory.into())
            } else {
                send(&found, since).await
            };
        }
        if !path.names_directory {
            let mut response = page(StatusCode::PERMANENT_REDIRECT, "This is a directory.\n");
            let location = HeaderValue::try_from(format!("{}/", path.encoded())).map_err(io::Error::other)?;
            response.headers_mut().insert(LOCATION, location);
            return Ok(response);
        }
        match self.inside(&found.join("index.html")).await {
            Ok(index) => send(&index, since).await,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let root = self.root.clone();
                let entries = tokio::task::spawn_blocking(move || listing::entries(&root, &found)).await??;
                Ok(html(listing::page(path, &entries)))
            }
            Err(error) => Err(error),
        }
    }

    /// A path without links in it; what lies outside, or is hidden, is not found.
    async fn inside(&self, path: &Path) -> io::Result<PathBuf> {
        let path = tokio::fs::canonicalize(path).await?;
        if is_within(&path, &self.root) { Ok(path) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

/// A file, or that it has not changed.
async fn send(path: &Path, since: Option<&HeaderValue>) -> io::Result<Response<ResponseBody>> {
    // Pipes and devices have no end, and opening a pipe waits for somebody to write.
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let file = File::open(path).await?;
    let metadata = file.metadata().await?;
    let modified = metadata.modified().ok().map(whole_seconds);
    let date = modified.and_then(http_date);
    let mut response = if not_modified(modified, since) {
        page(StatusCode::NOT_MODIFIED, "")
    } else {
        let body = FileBody { file, left: metadata.len() };
        let mut response = Response::new(body.map_err(BoxError::from).boxed_unsync());
        response.headers_mut().insert(CONTENT_TYPE, content_type::of(path));
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(metadata.len()));
        private(response)
    };
    if let Some(date) = date {
        response.headers_mut().insert(LAST_MODIFIED, date);
    }
    Ok(response)
}

/// What dates of HTTP can say.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

fn http_date(time: SystemTime) -> Option<HeaderValue> {
    let timestamp = Timestamp::try_from(time).ok()?;
    let text = DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp).ok()?;
    HeaderValue::try_from(text).ok()
}

fn not_modified(modified: Option<SystemTime>, since: Option<&HeaderValue>) -> bool {
    let since = since.and_then(|value| DateTimeParser::new().parse_timestamp(value.as_bytes()).ok());
    let modified = modified.and_then(|modified| Timestamp::try_from(modified).ok());
    matches!((modified, since), (Some(modified), Some(since)) if modified <= since)
}

/// The content of a file, as much as was announced.
struct FileBody {
    file: File,
    left: u64,
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
        let mut chunk = BytesMut::zeroed(length);
        let mut buffer = ReadBuf::new(&mut chunk);
        ready!(pin!(&mut self.file).poll_read(context, &mut buffer))?;
        let read = buffer.filled().len();
        if read == 0 {
            // Cut since it was announced: the connection ends, so that nobody takes it for whole.
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        self.left -= read as u64;
        chunk.truncate(read);
        Poll::Ready(Some(Ok(Frame::data(chunk.freeze()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
