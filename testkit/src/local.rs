//! A server and its clients in one thread, with memory between them instead of a network: what is counted in it, such as
//! allocations and instructions, is the same each time.

use std::io::{Error, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tsugi::Server;
use tsugi_proto::websocket::client_frame;

/// Bytes that one direction of a connection holds before its writer waits.
const BUFFER: usize = 16 * 1024;
/// Any mask is as good as another here.
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// What a client asks of the server beside Sente's wire, see docs/wire.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Nothing: a Sente client, in EDN.
    Sente,
    /// The extension in this codec.
    Tsugi(&'static str),
    /// The extension in this codec, counts and an outbox.
    Counted(&'static str),
}

impl Wire {
    /// The name of its codec.
    #[must_use]
    pub fn codec(self) -> &'static str {
        match self {
            Self::Sente => "edn",
            Self::Tsugi(codec) | Self::Counted(codec) => codec,
        }
    }

    fn query(self) -> String {
        match self {
            Self::Sente => String::new(),
            Self::Tsugi(codec) | Self::Counted(codec) => format!("&tsugi=1&codec={codec}"),
        }
    }

    fn hello(self, index: usize) -> Option<String> {
        let edn = self.codec() == "edn";
        match self {
            Self::Sente => None,
            Self::Tsugi(_) if edn => Some("[[:chsk/hello {}] nil]".to_owned()),
            Self::Tsugi(_) => Some(r#"[["chsk/hello",{}],null]"#.to_owned()),
            Self::Counted(_) if edn => Some(format!("[[:chsk/hello {{:received 0 :outbox \"{index:032x}\"}}] nil]")),
            Self::Counted(_) => Some(format!("[[\"chsk/hello\",{{\"received\":0,\"outbox\":\"{index:032x}\"}}],null]")),
        }
    }

    /// What the server's first words end with.
    fn end(self) -> &'static [u8] {
        if self.codec() == "edn" { b" nil]" } else { b",null]" }
    }
}

/// The way to a server.
#[derive(Debug)]
pub struct Door(mpsc::Sender<DuplexStream>);

struct Doorway(mpsc::Receiver<DuplexStream>);

impl axum::serve::Listener for Doorway {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.0.recv().await {
            Some(stream) => (stream, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> Result<Self::Addr> {
        Ok(())
    }
}

/// Serves the events of a server at `/chsk`, on the runtime that this is called in.
#[must_use]
pub fn serve(server: &Server) -> Door {
    let (door, doorway) = mpsc::channel(1);
    let app = axum::Router::new().route_service("/chsk", server.service());
    tokio::spawn(async move { axum::serve(Doorway(doorway), app).await });
    Door(door)
}

/// A client's WebSocket, which has shaken hands.
#[derive(Debug)]
pub struct Client(DuplexStream);

impl Client {
    /// The client of the user with this number.
    ///
    /// # Errors
    /// When the server does not answer as it must.
    pub async fn connect(door: &Door, wire: Wire, index: usize) -> Result<Self> {
        let (own, other) = duplex(BUFFER);
        door.0.send(other).await.map_err(Error::other)?;
        let mut client = Self(own);
        let head = format!(
            "GET /chsk?client-id=client-{index}&uid=user-{index}{} HTTP/1.1\r\nHost: local\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            wire.query()
        );
        client.say(head.as_bytes()).await?;
        client.until(wire.end()).await?;
        if let Some(hello) = wire.hello(index) {
            client.say(&text(&hello)).await?;
            client.until(wire.end()).await?;
        }
        Ok(client)
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// When the server hung up.
    pub async fn say(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).await
    }

    /// Reads as many bytes as `heard` is long.
    ///
    /// # Errors
    /// When the server hung up.
    pub async fn hear(&mut self, heard: &mut [u8]) -> Result<()> {
        self.0.read_exact(heard).await.map(|_| ())
    }

    /// What comes until it ends with this.
    ///
    /// # Errors
    /// When the server hung up.
    pub async fn until(&mut self, end: &[u8]) -> Result<Vec<u8>> {
        let mut seen = Vec::new();
        while !seen.ends_with(end) {
            if self.0.read_buf(&mut seen).await? == 0 {
                return Err(Error::other(String::from_utf8_lossy(&seen).into_owned()));
            }
        }
        Ok(seen)
    }
}

/// A client's text frame.
#[must_use]
pub fn text(payload: &str) -> Vec<u8> {
    client_frame(1, payload.as_bytes(), MASK).to_vec()
}
