//! SockJS, item by item of the protocol's specification; `conformance/sockjs/ITEMS.md` says which test holds which.

mod http;
mod jsonp;
mod life_cycle;
mod pages;
mod sending;
mod streams;
mod urls;
mod websocket;

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tsugi::SockJsProfile;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Both byte profiles, for what does not differ between them.
const PROFILES: [SockJsProfile; 2] = [SockJsProfile::Current, SockJsProfile::V0_3_3];

async fn serve(profile: SockJsProfile) -> SocketAddr {
    let interop = interop::Interop::with_sockjs(profile).expect("the settings are good");
    serve_app(interop.app()).await
}

async fn serve_app(app: axum::Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// An answer, or its head while its body still streams.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Reply {
    /// A header's value, as it was written.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A connection whose answer is read in pieces, exactly as they were sent.
struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("an option");
        Self { stream, buffer: Vec::new() }
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("written");
    }

    /// Writes a request; a body's length is added.
    async fn request(&mut self, first: &str, headers: &[&str], body: &str) {
        let mut head = format!("{first}\r\nHost: server.example\r\n");
        headers.iter().for_each(|header| head = format!("{head}{header}\r\n"));
        if !body.is_empty() {
            head = format!("{head}Content-Length: {}\r\n", body.len());
        }
        self.write(format!("{head}\r\n{body}").as_bytes()).await;
    }

    /// Whether more came before the server hung up.
    async fn fill(&mut self) -> bool {
        let mut piece = vec![0; 64 * 1024];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut piece)).await.expect("something in time");
        let count = read.unwrap_or(0);
        self.buffer.extend_from_slice(&piece[..count]);
        count > 0
    }

    async fn until(&mut self, end: &[u8]) -> String {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                let text = self.buffer.drain(..at + end.len()).collect();
                return String::from_utf8(text).expect("text");
            }
            assert!(self.fill().await, "the server hung up after {:?}", String::from_utf8_lossy(&self.buffer));
        }
    }

    async fn take(&mut self, count: usize) -> String {
        while self.buffer.len() < count {
            assert!(self.fill().await, "the server hung up within an answer");
        }
        String::from_utf8(self.buffer.drain(..count).collect()).expect("text")
    }

    async fn head(&mut self) -> Reply {
        let head = self.until(b"\r\n\r\n").await;
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Reply { status, headers: lines.filter_map(header).collect(), body: String::new() }
    }

    /// The next chunk of a body in chunks; `None` is its end.
    async fn chunk(&mut self) -> Option<String> {
        let length = self.until(b"\r\n").await;
        let length = usize::from_str_radix(length.trim_end(), 16).expect("a length");
        let chunk = self.take(length + 2).await;
        Some(chunk[..length].to_owned()).filter(|chunk| !chunk.is_empty())
    }

    /// A whole answer on a connection that stays open.
    async fn answer(&mut self) -> Reply {
        let mut reply = self.head().await;
        if reply.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await {
                reply.body += &chunk;
            }
        } else if !matches!(reply.status, 204 | 304) {
            let length = reply.header("content-length").and_then(|length| length.parse().ok()).expect("a length");
            reply.body = self.take(length).await;
        }
        reply
    }

    /// Whatever comes until the server hangs up.
    async fn rest(&mut self) -> String {
        while self.fill().await {}
        String::from_utf8(std::mem::take(&mut self.buffer)).expect("text")
    }
}

async fn ask(address: SocketAddr, method: &str, path: &str, headers: &[&str], body: &str) -> Reply {
    let mut wire = Wire::connect(address).await;
    wire.request(&format!("{method} {path} HTTP/1.1"), headers, body).await;
    wire.answer().await
}

async fn get(address: SocketAddr, path: &str) -> Reply {
    ask(address, "GET", path, &[], "").await
}

async fn post(address: SocketAddr, path: &str, body: &str) -> Reply {
    ask(address, "POST", path, &["Content-Type: text/plain"], body).await
}

/// A response that streams, with its head read.
async fn stream(address: SocketAddr, method: &str, path: &str) -> (Reply, Wire) {
    let mut wire = Wire::connect(address).await;
    wire.request(&format!("{method} {path} HTTP/1.1"), &["Origin: http://page.example"], "").await;
    let head = wire.head().await;
    (head, wire)
}

/// A session id that no other test uses.
fn session() -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    format!("s{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
}

/// The one no-cache header of a profile.
fn no_cache(profile: SockJsProfile) -> &'static str {
    match profile {
        SockJsProfile::Current => "no-store, no-cache, no-transform, must-revalidate, max-age=0",
        SockJsProfile::V0_3_3 => "no-store, no-cache, must-revalidate, max-age=0",
    }
}
