//! A server on a real port, and clients that write bytes by hand.

pub(crate) mod in_process;

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tsugi::{Data, Identity, Origins, Router, Server, ServerBuilder, Value};
use tsugi_proto::Message;
use tsugi_proto::websocket::{Decoder, Incoming, Role, client_frame};

/// Longer than anything here takes; a test that waits for this has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server whose user is the parameter `uid`, and who echoes.
pub(crate) fn builder() -> ServerBuilder {
    let router = Router::new().on("test/echo", async |Data(value): Data<Value>| value).on(
        "test/push",
        async |tsugi::User(user): tsugi::User, Data(count): Data<i64>, server: Server| {
            for n in 0..count {
                server.push(&user, tsugi::Event::new("srv/n", &n)).await.map(|_| ()).expect("pushed");
            }
        },
    );
    Server::builder()
        .identify(|request| Ok(request.param("uid").map_or_else(Identity::anonymous, Identity::user)))
        .origins(Origins::Any)
        .router(router)
}

/// Serves `app` until the test ends.
pub(crate) async fn serve(app: axum::Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

pub(crate) async fn serve_events(server: &Server) -> SocketAddr {
    serve(axum::Router::new().route_service("/chsk", server.service())).await
}

/// One answer of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Sends one request on a connection of its own.
pub(crate) async fn request(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n");
    stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).await.expect("written");
    let mut all = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all));
    read.await.expect("an answer in time").expect("an answer");
    let text = String::from_utf8(all).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path, "X-Requested-With: XMLHttpRequest\r\n", "").await
}

/// A Sente client's POST.
pub(crate) async fn post_form(address: SocketAddr, path: &str, form: &str) -> Answer {
    request(address, "POST", path, "Content-Type: application/x-www-form-urlencoded;charset=UTF-8\r\n", form).await
}

/// A WebSocket client that does what it is told and nothing else.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    decoder: Decoder,
    buffer: Vec<u8>,
}

impl Client {
    /// Asks for an upgrade; the status if it is refused.
    pub(crate) async fn try_connect(address: SocketAddr, path: &str, headers: &str) -> Result<Self, u16> {
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("an option");
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("written");
        let mut stream = BufReader::new(stream);
        let mut status = 0;
        loop {
            let mut line = String::new();
            tokio::time::timeout(PATIENCE, stream.read_line(&mut line)).await.expect("in time").expect("a line");
            if status == 0 {
                status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
            }
            if line == "\r\n" {
                break;
            }
        }
        let decoder = Decoder::new(Role::Client, 1 << 24);
        if status == 101 { Ok(Self { stream, decoder, buffer: Vec::new() }) } else { Err(status) }
    }

    pub(crate) async fn connect(address: SocketAddr, path: &str) -> Self {
        Self::try_connect(address, path, "").await.expect("an upgrade")
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.send_frame(0x1, text.as_bytes()).await;
    }

    pub(crate) async fn send_frame(&mut self, opcode: u8, payload: &[u8]) {
        let frame = client_frame(opcode, payload, [0x37, 0xfa, 0x21, 0x3d]);
        self.send_raw(&frame).await;
    }

    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).await.expect("written");
    }

    /// The next thing the server says; `None` when it hung up.
    pub(crate) async fn next(&mut self) -> Option<Incoming> {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("something in time")
    }

    async fn read(&mut self) -> Option<Incoming> {
        loop {
            let mut input = &mut self.buffer[..];
            let before = input.len();
            let incoming = self.decoder.decode(&mut input).expect("a good frame");
            let taken = before - input.len();
            self.buffer.drain(..taken);
            if incoming.is_some() {
                return incoming;
            }
            let mut chunk = vec![0; 4096];
            match self.stream.read(&mut chunk).await {
                Ok(count) if count > 0 => self.buffer.extend_from_slice(&chunk[..count]),
                _ => return None,
            }
        }
    }

    /// The next message, which must be text.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Some(Incoming::Message(Message::Text(text))) => text.to_string(),
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// The close that the server sends next, and its reason.
    pub(crate) async fn close(&mut self) -> (u16, String) {
        match self.next().await {
            Some(Incoming::Close(Some(close))) => (close.code.get(), close.reason.to_string()),
            other => panic!("expected a close, got {other:?}"),
        }
    }
}

/// Waits for what must come, and fails the test when it does not.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it comes in time")
}

/// Waits until something is so that no event tells of, and fails the test when it does not become so.
pub(crate) async fn eventually(mut is_so: impl FnMut() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not become so");
}
