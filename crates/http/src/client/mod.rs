//! A client that logs on with NTLM where servers and proxies ask for it, over hyper, rustls and tokio.
//!
//! NTLM authenticates a *connection*, not a request: all steps of a logon, and the request that it is for, go over one connection, which afterwards serves the same
//! user and nobody else.
//!
//! ```no_run
//! # async fn get() -> Result<(), ntlm_http::client::Error> {
//! use ntlm::{Credentials, Password};
//! use ntlm_http::client::{Body, Client};
//!
//! let alice = Credentials::new(r"EXAMPLE\alice", &Password::new("secret"));
//! let client = Client::builder().credentials("https://intranet.example.test", alice)?.build();
//! let request = http::Request::post("https://intranet.example.test/orders").body(Body::from("item=1")).unwrap();
//! let response = client.send(request).await?;
//! println!("{}", response.status());
//! let body = response.into_body().read(1 << 20).await?;
//! # Ok(()) }
//! ```
//!
//! What holds, whatever servers do:
//!
//! * Credentials go to the origin that they were given for, when it asks, and to no other: a redirect to another scheme, host or port goes on without them, and
//!   does not get them back. A proxy's go to the proxy.
//! * A connection belongs to its credentials. Those are told apart by their `Arc`: equal ones in two of them do not share connections.
//! * Each set of credentials is tried once on a connection. A 401 after the last step is a denial ([`Refusal::Denied`]), not a reason to try again.
//! * A request is executed once. Its body stays at home until the logon is through (`Content-Length: 0` goes out instead); a server that turns out to want
//!   no logon gets the request again, with its body. What was perhaps executed is not repeated unless its method is safe.
//! * Logons over TLS are bound to the server's certificate (`tls-server-end-point`), and name the host as it was written (`HTTP/host`).
//! * HTTP/1.1 alone is spoken: NTLM cannot be had over HTTP/2.
//!
//! | module | what |
//! |---|---|
//! | [`logon`] | the steps of a logon, without I/O: for other HTTP libraries |
//! | [`observe`] | watching |

mod attempts;
mod body;
mod builder;
mod connect;
mod connection;
mod error;
pub mod logon;
pub mod observe;
mod pool;
mod redirect;
mod refusal;
mod response;
mod stream;
mod tls;
mod url;

use std::fmt;
use std::sync::{Arc, OnceLock};

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderName, Method, Request, Response, Uri};
use ntlm::Credentials;

pub use self::body::Body;
pub use self::builder::Builder;
pub use self::error::Error;
pub use self::refusal::{LogonError, Refusal};
pub use self::response::ResponseBody;
pub use self::tls::verifier;
pub use self::url::Origin;

use self::attempts::{Attempts, Expectations};
use self::builder::Settings;
use self::connection::{Connection, Head};
use self::observe::Event;
use self::pool::{Key, Pool};
use self::response::Lease;
use crate::header::credentials;

/// An HTTP client. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    pool: Arc<Pool>,
    tls: OnceLock<Result<Arc<rustls::ClientConfig>, String>>,
}

/// How a response was reached: an extension of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reached {
    /// The URL that answered.
    pub url: Uri,
    /// How many redirects led there.
    pub redirects: usize,
    /// They led to another origin on the way, and went on without credentials.
    pub credentials_dropped: bool,
}

impl Client {
    /// A client without credentials.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A client to be told more.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Sends a request, logging on where that is asked for with the credentials that the client has for its origin.
    ///
    /// The URL is absolute. Headers that concern the connection and the length of the body are the client's own affair and left out; so is
    /// `Proxy-Authorization`. An `Authorization` of one's own goes along where there are no credentials for the origin; with one of NTLM or Negotiate
    /// the connection is not kept.
    ///
    /// # Errors
    ///
    /// See [`Error`]. A response is not one, whatever its status: a 401 comes through where there are no credentials, a 403 always.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<ResponseBody>, Error> {
        let origin = Origin::of(request.uri())?;
        let credentials = self.inner.settings.credentials.get(&origin);
        self.inner.send(request, origin, credentials).await
    }

    /// The same with these credentials for the origin of the request, instead of any that the client has.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub async fn send_as(
        &self,
        request: Request<Body>,
        credentials: &Arc<Credentials>,
    ) -> Result<Response<ResponseBody>, Error> {
        let origin = Origin::of(request.uri())?;
        self.inner.send(request, origin, Some(credentials)).await
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Headers that are between the client and the next peer.
const OWN_HEADERS: [HeaderName; 8] =
    [CONNECTION, CONTENT_LENGTH, EXPECT, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

impl Inner {
    async fn send(
        &self,
        request: Request<Body>,
        mut origin: Origin,
        mut credentials: Option<&Arc<Credentials>>,
    ) -> Result<Response<ResponseBody>, Error> {
        let (parts, mut body) = request.into_parts();
        let (mut method, mut url, mut headers) = (parts.method, parts.uri, parts.headers);
        if method == Method::CONNECT {
            return Err(Error::Request("a tunnel is nothing that a request can ask for; set a proxy"));
        }
        if credentials.is_some() && headers.contains_key(AUTHORIZATION) {
            return Err(Error::Request(
                "there are credentials for this origin and an Authorization of its own; leave one out",
            ));
        }
        for name in OWN_HEADERS.iter().map(HeaderName::as_str).chain(["keep-alive", "proxy-connection"]) {
            headers.remove(name);
        }
        let mut redirects = 0;
        let mut credentials_dropped = false;
        loop {
            let authority = origin.authority().parse();
            let head = Head {
                method: method.clone(),
                url: url.clone(),
                path: url::path(&url),
                host: authority.map_err(|_| Error::Request("the host is malformed"))?,
                headers: headers.clone(),
            };
            let mut response = self.round(&origin, credentials, &head, &body).await?;
            let limit = self.settings.redirects;
            let target = if limit > 0 { redirect::target(&response, &url) } else { Ok(None) };
            let target = target.map_err(|error| match error {
                Error::Url { url, reason } => Error::Redirect { peer: origin.host_and_port(), url, reason },
                other => other,
            })?;
            let Some(target) = target else {
                response.extensions_mut().insert(Reached { url, redirects, credentials_dropped });
                return Ok(response);
            };
            redirects += 1;
            if redirects > limit {
                return Err(Error::Redirects { limit });
            }
            redirect::rewrite(response.status(), &mut method, &mut headers, &mut body);
            let next = Origin::of(&target)?;
            let leaves = next != origin;
            if leaves {
                credentials_dropped |= credentials.is_some();
                credentials = None;
                redirect::strip(&mut headers);
            }
            self.observe(&Event::Redirected { to: &target, without_credentials: leaves });
            // Read, so that its connection serves on.
            const LONGEST: usize = 64 * 1024;
            let _ = response.into_body().read(LONGEST).await;
            (origin, url) = (next, target);
        }
    }

    /// One request and its response, on a connection that was kept or a new one.
    async fn round(
        &self,
        origin: &Origin,
        credentials: Option<&Arc<Credentials>>,
        head: &Head,
        body: &Body,
    ) -> Result<Response<ResponseBody>, Error> {
        let key = Key::new(origin, credentials);
        let mut attempts = Attempts::default();
        let mut kept = self.kept(&key).await;
        let mut expectations = self.pool.expectations(&key);
        loop {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => self.connect(origin, credentials, expectations).await?,
            };
            match connection.exchange(head, body).await {
                Ok(response) => return Ok(self.deliver(response, connection, head, key, origin)),
                Err(interruption) => {
                    expectations = attempts.again(interruption, self.settings.observer.as_deref())?;
                }
            }
        }
    }

    async fn kept(&self, key: &Key) -> Option<Connection> {
        while let Some(mut connection) = self.pool.take(key) {
            if connection.is_ready().await {
                connection.observe_reuse();
                return Some(connection);
            }
        }
        None
    }

    fn deliver(
        &self,
        response: Response<hyper::body::Incoming>,
        connection: Connection,
        head: &Head,
        key: Key,
        origin: &Origin,
    ) -> Response<ResponseBody> {
        let Expectations { proxy, server } = connection.expectations();
        self.pool.learn(&key, server);
        if connection.proxy.is_some() {
            self.pool.learn_of_proxy(proxy);
        }
        // MS-N2HT and IIS: the next request needs a logon of its own.
        let stays = response
            .headers()
            .get("persistent-auth")
            .is_none_or(|value| !value.as_bytes().eq_ignore_ascii_case(b"false"));
        // A logon that the caller makes by himself is his connection's, and would be that of whoever came next.
        let foreign =
            head.headers.get_all(AUTHORIZATION).iter().any(|it| !matches!(credentials(it.as_bytes()), Ok(None)));
        let pool = (stays && !foreign && connection.is_settled()).then(|| self.pool.clone());
        let lease = Lease { connection, key, pool };
        let silence = self.settings.silence;
        response.map(|incoming| ResponseBody::new(incoming, lease, origin.host_and_port(), silence))
    }
}
