//! The layer, over TCP behind axum and without a network.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::{get, post};
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use ntlm::{LogonFailure, NetworkLogon};
use ntlm_accounts::{AsyncAuthority, FutureVerdict, Immediate, Origin};
use ntlm_http::header::{self, Scheme};
use ntlm_http::server::{Acceptor, NtlmConnection, NtlmLayer, NtlmUser, Settings};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_layer::Layer as _;
use tower_service::Service;

use crate::support::wire::Wire;
use crate::support::*;

/// How many requests were executed.
#[derive(Clone, Default)]
struct Executed(Arc<AtomicU32>);

impl Executed {
    fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

fn app(settings: Settings, executed: &Executed) -> Router {
    let who = |State(executed): State<Executed>, user: NtlmUser| async move {
        executed.0.fetch_add(1, Ordering::SeqCst);
        user.to_string()
    };
    let echo = |State(executed): State<Executed>, user: NtlmUser, body: Bytes| async move {
        executed.0.fetch_add(1, Ordering::SeqCst);
        format!("{user}: {}", String::from_utf8_lossy(&body))
    };
    let headers = |headers: HeaderMap| async move { format!("{:?}", headers.keys().collect::<Vec<_>>()) };
    Router::new()
        .route("/", get(who))
        .route("/echo", post(echo))
        .route("/headers", get(headers))
        .layer(NtlmLayer::new(Acceptor::new(settings), authority()))
        .route("/open", get(|user: Option<NtlmUser>| async move { format!("{}", user.is_some()) }))
        .route("/mistake", get(|user: NtlmUser| async move { user.to_string() }))
        .with_state(executed.clone())
}

async fn start(settings: Settings) -> (SocketAddr, Executed) {
    let executed = Executed::default();
    let app = app(settings, &executed).into_make_service_with_connect_info::<NtlmConnection>();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, executed)
}

fn bearing(scheme: Scheme, token: &[u8]) -> String {
    format!("Authorization: {}", header::write(scheme, token).to_str().unwrap())
}

#[tokio::test]
async fn one_logon_serves_all_requests_of_the_connection_and_none_of_others() {
    let (address, executed) = start(settings()).await;
    let mut wire = Wire::connect(address).await;
    let reply = wire.get("/", &[]).await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("NTLM")));
    let reply = wire.log_on("/", Client::new(ALICE, PASSWORD)).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ALICE));
    assert_eq!(reply.header("persistent-auth"), Some("true"));
    assert_eq!(executed.count(), 1, "the request of leg 3 is the one executed");
    for _ in 0..3 {
        let reply = wire.get("/", &[]).await;
        assert_eq!((reply.status, reply.body.as_str(), reply.header("persistent-auth")), (200, ALICE, None));
        assert_eq!(reply.header("set-cookie"), None);
    }
    assert_eq!(Wire::connect(address).await.get("/", &[]).await.status, 401);
}

#[tokio::test]
async fn attack_33_two_users_take_turns_on_one_connection_and_are_never_mixed_up() {
    let (address, _) = start(settings()).await;
    let mut wire = Wire::connect(address).await;
    for _ in 0..3 {
        for user in [ALICE, BOB] {
            assert_eq!(wire.log_on("/", Client::new(user, PASSWORD)).await.body, user);
            assert_eq!(wire.get("/", &[]).await.body, user);
        }
        assert_eq!(wire.log_on("/", Client::new(ALICE, "wrong")).await.status, 401);
        assert_eq!(wire.get("/", &[]).await.status, 401);
    }
}

#[tokio::test]
async fn attack_33_the_body_of_leg_1_is_neither_executed_nor_taken_for_a_request() {
    let (address, executed) = start(settings()).await;
    let mut wire = Wire::connect(address).await;
    let smuggled = b"GET / HTTP/1.1\r\nHost: web1\r\n\r\n";
    let client = Client::new(ALICE, PASSWORD);
    for headers in [vec![], vec![bearing(Scheme::Ntlm, &client.negotiate)]] {
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        wire.request("POST", "/echo", &headers, smuggled).await;
        assert_eq!(wire.reply().await.status, 401);
    }
    assert_eq!(executed.count(), 0);
    let mut wire = Wire::connect(address).await;
    wire.request("POST", "/echo", &[&bearing(Scheme::Ntlm, &client.negotiate)], &[b'x'; 100_000]).await;
    let (_, token) = challenge(&wire.reply().await.challenges());
    wire.request("POST", "/echo", &[&bearing(Scheme::Ntlm, &client.answer(&token))], b"the order").await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.body), (200, format!("{ALICE}: the order")));
    assert_eq!(executed.count(), 1);
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_keeps_its_connection() {
    let (address, _) = start(settings()).await;
    let mut wire = Wire::connect(address).await;
    let client = Client::new(ALICE, PASSWORD);
    let expecting = ["Expect: 100-continue", &bearing(Scheme::Ntlm, &client.negotiate)];
    wire.request("POST", "/echo", &expecting, b"early").await;
    let (_, token) = challenge(&wire.reply().await.challenges());
    let expecting = ["Expect: 100-continue", &bearing(Scheme::Ntlm, &client.answer(&token))];
    wire.request("POST", "/echo", &expecting, b"the order").await;
    assert_eq!(wire.reply().await.body, format!("{ALICE}: the order"));
}

#[tokio::test]
async fn a_body_that_is_too_long_to_be_thrown_away_ends_the_connection() {
    let mut settings = settings();
    settings.limits.discarded_body = 1000;
    let (address, executed) = start(settings).await;
    for (length, open) in [(1000, true), (1001, false)] {
        let mut wire = Wire::connect(address).await;
        wire.request("POST", "/echo", &[], &vec![b'x'; length]).await;
        let reply = wire.reply().await;
        assert_eq!((reply.status, reply.header("connection")), (401, (!open).then_some("close")));
        assert!(open || wire.ends().await);
    }
    // Of a body in chunks the length is not known before.
    let mut wire = Wire::connect(address).await;
    wire.send(b"POST /echo HTTP/1.1\r\nHost: web1\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for _ in 0..3 {
        wire.send(format!("190\r\n{}\r\n", "x".repeat(0x190)).as_bytes()).await;
    }
    assert_eq!(wire.reply().await.header("connection"), Some("close"));
    assert_eq!(executed.count(), 0);
}

#[tokio::test]
async fn the_application_does_not_see_the_credentials() {
    let (address, _) = start(settings()).await;
    let mut wire = Wire::connect(address).await;
    let reply = wire.log_on("/headers", Client::new(ALICE, PASSWORD)).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, r#"["host"]"#));
    let reply = wire.get("/headers", &["Authorization: Bearer of-the-application"]).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, r#"["host", "authorization"]"#));
}

#[tokio::test]
async fn a_handler_takes_the_user_or_perhaps_one() {
    let (address, _) = start(settings()).await;
    let mut wire = Wire::connect(address).await;
    assert_eq!(wire.get("/open", &[]).await.body, "false");
    assert_eq!(wire.get("/mistake", &[]).await.status, 500);
}

#[tokio::test]
async fn failures_end_the_connection() {
    let mut settings = settings();
    settings.limits.failures = 2;
    let (address, _) = start(settings).await;
    let mut wire = Wire::connect(address).await;
    let reply = wire.log_on("/", Client::new(ALICE, "wrong")).await;
    assert_eq!((reply.status, reply.header("connection")), (401, None));
    let reply = wire.log_on("/", Client::new(ALICE, "wrong")).await;
    assert_eq!((reply.status, reply.header("connection")), (401, Some("close")));
    assert!(wire.ends().await);
}

#[tokio::test]
async fn http_1_0_is_served_where_it_keeps_the_connection() {
    let (address, executed) = start(settings()).await;
    let mut wire = Wire::connect(address).await;
    wire.send(b"GET / HTTP/1.0\r\n\r\n").await;
    let reply = wire.reply().await;
    assert_eq!(reply.status, 505);
    assert!(reply.body.contains("HTTP/1.1") && reply.header("www-authenticate").is_none(), "{}", reply.body);

    let mut wire = Wire::connect(address).await;
    let client = Client::new(ALICE, PASSWORD);
    let request = |token: &[u8]| {
        format!("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n{}\r\n\r\n", bearing(Scheme::Ntlm, token)).into_bytes()
    };
    wire.send(&request(&client.negotiate)).await;
    let (_, token) = challenge(&wire.reply().await.challenges());
    wire.send(&request(&client.answer(&token))).await;
    assert_eq!((wire.reply().await.body.as_str(), executed.count()), (ALICE, 1));
}

/// A service that says who asks, behind the layer and without a network.
fn service(
    authority: impl AsyncAuthority + 'static,
) -> impl Service<
    Request<Full<Bytes>>,
    Response = Response<impl http_body::Body<Data = Bytes, Error: std::fmt::Debug>>,
    Error = Infallible,
    Future: Send,
> + Clone {
    #[derive(Clone)]
    struct Who;

    impl Service<Request<Full<Bytes>>> for Who {
        type Response = Response<Full<Bytes>>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<Full<Bytes>>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
            let user = request.extensions().get::<NtlmUser>().expect("only users come here");
            std::future::ready(Ok(Response::new(Full::from(user.to_string()))))
        }
    }

    NtlmLayer::new(Acceptor::new(settings()), authority).layer(Who)
}

fn bare(connection: &NtlmConnection) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    request.extensions_mut().insert(connection.clone());
    request
}

fn with_token(connection: &NtlmConnection, token: &[u8]) -> Request<Full<Bytes>> {
    let mut request = bare(connection);
    request.headers_mut().insert("authorization", header::write(Scheme::Ntlm, token));
    request
}

async fn read<B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>>(
    response: Result<Response<B>, Infallible>,
) -> (StatusCode, String) {
    let (parts, body) = response.unwrap().into_parts();
    (parts.status, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

#[tokio::test]
async fn http_2_and_http_3_are_refused_in_so_many_words() {
    let mut service = service(authority());
    let connection = NtlmConnection::new(None);
    for version in [Version::HTTP_2, Version::HTTP_3, Version::HTTP_09] {
        let mut request = with_token(&connection, &Client::new(ALICE, PASSWORD).negotiate);
        *request.version_mut() = version;
        let (status, text) = read(service.call(request).await).await;
        assert_eq!(status, StatusCode::HTTP_VERSION_NOT_SUPPORTED, "{version:?}");
        assert!(text.contains("HTTP/1.1"), "{text}");
    }
}

#[tokio::test]
async fn an_authenticated_connection_is_not_for_other_versions_either() {
    let mut service = service(authority());
    let connection = NtlmConnection::new(None);
    log_on_without_network(&mut service, &connection).await;
    assert_eq!(read(service.call(bare(&connection)).await).await, (StatusCode::OK, ALICE.to_owned()));
    let mut request = bare(&connection);
    *request.version_mut() = Version::HTTP_2;
    assert_eq!(read(service.call(request).await).await.0, StatusCode::HTTP_VERSION_NOT_SUPPORTED);
}

#[tokio::test]
async fn a_server_without_connection_state_lets_nobody_in() {
    let mut service = service(authority());
    let (status, text) = read(service.call(Request::new(Full::default())).await).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(text.contains("not set up"), "{text}");
    let mut request = with_token(&NtlmConnection::new(None), &Client::new(ALICE, PASSWORD).negotiate);
    request.extensions_mut().clear();
    assert_eq!(read(service.call(request).await).await.0, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_503() {
    let mut service = service(Immediate(Failing(LogonFailure::NO_LOGON_SERVERS)));
    let connection = NtlmConnection::new(None);
    let client = Client::new(ALICE, PASSWORD);
    let response = service.call(with_token(&connection, &client.negotiate)).await.unwrap();
    let (_, token) = challenge(&[response.headers()["www-authenticate"].clone()]);
    let response = service.call(with_token(&connection, &client.answer(&token))).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after") && !response.headers().contains_key("www-authenticate"));
}

/// Says what the accounts say, when it is let.
struct Slow {
    accounts: Immediate<ntlm_accounts::LocalAuthority<ntlm_accounts::MemoryStore>>,
    let_go: Arc<Semaphore>,
}

impl AsyncAuthority for Slow {
    fn logon<'a>(&'a self, logon: &'a NetworkLogon, origin: &'a Origin) -> FutureVerdict<'a> {
        Box::pin(async move {
            self.let_go.acquire().await.unwrap().forget();
            self.accounts.logon(logon, origin).await
        })
    }
}

async fn log_on_without_network<S, B>(service: &mut S, connection: &NtlmConnection)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
{
    let client = Client::new(ALICE, PASSWORD);
    let leg3 = leg3(service, connection, client).await;
    assert_eq!(service.call(leg3).await.unwrap().status(), StatusCode::OK);
}

async fn leg3<S, B>(service: &mut S, connection: &NtlmConnection, client: Client) -> Request<Full<Bytes>>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
{
    let response = service.call(with_token(connection, &client.negotiate)).await.unwrap();
    let (_, token) = challenge(&[response.headers()["www-authenticate"].clone()]);
    with_token(connection, &client.answer(&token))
}

#[tokio::test]
async fn a_request_that_arrives_while_a_logon_is_decided_waits() {
    let let_go = Arc::new(Semaphore::new(0));
    let mut service = service(Slow { accounts: authority(), let_go: Arc::clone(&let_go) });
    let connection = NtlmConnection::new(None);
    let leg3 = leg3(&mut service, &connection, Client::new(ALICE, PASSWORD)).await;
    let mut logon = pin!(service.call(leg3));
    let mut behind = pin!(service.call(bare(&connection)));
    let context = &mut Context::from_waker(Waker::noop());
    assert!(logon.as_mut().poll(context).is_pending());
    assert!(behind.as_mut().poll(context).is_pending());
    // Another connection does not.
    let other = service.call(bare(&NtlmConnection::new(None))).await.unwrap();
    assert_eq!(other.status(), StatusCode::UNAUTHORIZED);

    let_go.add_permits(1);
    assert_eq!(read(logon.await).await, (StatusCode::OK, ALICE.to_owned()));
    assert_eq!(read(behind.await).await, (StatusCode::OK, ALICE.to_owned()));
}

#[tokio::test]
async fn a_logon_whose_client_went_away_is_nobodys() {
    let let_go = Arc::new(Semaphore::new(0));
    let mut service = service(Slow { accounts: authority(), let_go: Arc::clone(&let_go) });
    let connection = NtlmConnection::new(None);
    let leg3 = leg3(&mut service, &connection, Client::new(ALICE, PASSWORD)).await;
    let mut logon = Box::pin(service.call(leg3));
    assert!(logon.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let_go.add_permits(1);
    drop(logon);
    assert_eq!(service.call(bare(&connection)).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}
