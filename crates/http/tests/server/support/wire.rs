//! HTTP/1.1 by hand over TCP.

use std::net::SocketAddr;

use http::HeaderValue;
use ntlm_http::header::{self, Scheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Client, challenge};

/// A connection of a client.
pub(crate) struct Wire {
    stream: TcpStream,
    /// Read, and not yet used.
    buffer: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn challenges(&self) -> Vec<HeaderValue> {
        self.headers.get_all("www-authenticate").iter().cloned().collect()
    }
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends a request without waiting for its response. `headers` are lines.
    pub(crate) async fn request(&mut self, method: &str, path: &str, headers: &[&str], body: &[u8]) {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: web1\r\n");
        if !body.is_empty() || method == "POST" {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for header in headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        self.send(&[text.as_bytes(), body].concat()).await;
    }

    pub(crate) async fn get(&mut self, path: &str, headers: &[&str]) -> Reply {
        self.request("GET", path, headers, b"").await;
        self.reply().await
    }

    pub(crate) async fn with_token(&mut self, path: &str, scheme: Scheme, token: &[u8]) -> Reply {
        let line = format!("Authorization: {}", header::write(scheme, token).to_str().unwrap());
        self.get(path, &[&line]).await
    }

    /// Logs on with two requests for `path`; the response to the second.
    pub(crate) async fn log_on(&mut self, path: &str, client: Client) -> Reply {
        let reply = self.with_token(path, Scheme::Ntlm, &client.negotiate).await;
        let (_, token) = challenge(&reply.challenges());
        self.with_token(path, Scheme::Ntlm, &client.answer(&token)).await
    }

    /// The next response.
    pub(crate) async fn reply(&mut self) -> Reply {
        let head = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = self.buffer.split_off(at + 4);
                break std::mem::replace(&mut self.buffer, rest);
            }
            self.fill().await;
        };
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        if status == 100 {
            return Box::pin(self.reply()).await;
        }
        let mut headers = http::HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        }
        let length = headers.get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
        while self.buffer.len() < length {
            self.fill().await;
        }
        let rest = self.buffer.split_off(length);
        let body = String::from_utf8(std::mem::replace(&mut self.buffer, rest)).unwrap();
        Reply { status, headers, body }
    }

    async fn fill(&mut self) {
        assert!(self.read_some().await > 0, "the connection is open: {:?}", String::from_utf8_lossy(&self.buffer));
    }

    async fn read_some(&mut self) -> usize {
        self.stream.read_buf(&mut self.buffer).await.unwrap_or(0)
    }

    /// Whether the server closes the connection without saying more.
    pub(crate) async fn ends(mut self) -> bool {
        self.read_some().await == 0 && self.buffer.is_empty()
    }
}
