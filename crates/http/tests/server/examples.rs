//! The examples do what they say.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use http::HeaderMap;
use tokio::net::TcpListener;

use crate::support::wire::Wire;
use crate::support::{ALICE, Client, PASSWORD};

#[allow(dead_code)]
#[path = "../../examples/axum_server.rs"]
mod axum_server;
#[allow(dead_code)]
#[path = "../../examples/reverse_proxy.rs"]
mod reverse_proxy;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn the_axum_server_greets_its_users() {
    let (listener, address) = listener().await;
    tokio::spawn(axum_server::serve(listener));
    let mut wire = Wire::connect(address).await;
    assert_eq!(wire.get("/health", &[]).await.body, "ok\n");
    assert_eq!(wire.get("/", &[]).await.status, 401);
    let reply = wire.log_on("/", Client::new(ALICE, PASSWORD)).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "hello, EXAMPLE\\alice\n"));
}

#[tokio::test]
async fn the_reverse_proxy_tells_who_it_is_and_nobody_else_can() {
    let (behind, upstream) = listener().await;
    let who = |headers: HeaderMap| async move {
        let users = headers.iter().filter(|(name, _)| name.as_str().contains("user"));
        users.map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect::<String>()
    };
    tokio::spawn(async move { axum::serve(behind, Router::new().route("/", get(who))).await });
    let (listener, address) = listener().await;
    tokio::spawn(reverse_proxy::serve(listener, upstream));

    let mut wire = Wire::connect(address).await;
    let expected = "x-remote-user: EXAMPLE\\alice\n";
    assert_eq!(wire.log_on("/", Client::new(ALICE, PASSWORD)).await.body, expected);
    for forged in ["X-Remote-User: EXAMPLE\\admin", "x_remote_user: EXAMPLE\\admin"] {
        assert_eq!(wire.get("/", &[forged]).await.body, expected);
    }
    assert_eq!(Wire::connect(address).await.get("/", &["X-Remote-User: EXAMPLE\\alice"]).await.status, 401);
}

#[tokio::test]
async fn each_logon_through_the_reverse_proxy_has_a_connection_of_its_own_behind() {
    let (behind, upstream) = listener().await;
    let port = |ConnectInfo(address): ConnectInfo<SocketAddr>| async move { address.port().to_string() };
    let app = Router::new().route("/", get(port)).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(behind, app).await });
    let (listener, address) = listener().await;
    tokio::spawn(reverse_proxy::serve(listener, upstream));

    let mut wire = Wire::connect(address).await;
    let first = wire.log_on("/", Client::new(ALICE, PASSWORD)).await.body;
    assert_eq!(wire.get("/", &[]).await.body, first);
    let second = wire.log_on("/", Client::new(ALICE, PASSWORD)).await.body;
    assert_ne!(second, first);
    assert_eq!(wire.get("/", &[]).await.body, second);
}
