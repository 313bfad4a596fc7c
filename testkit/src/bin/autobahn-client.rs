//! The client that `cargo xtask autobahn` puts to the question: asks the suite's server for one case after another
//! and echoes what it says. `autobahn-client PORT`.

use base64::Engine;
use bytes::{Bytes, BytesMut};
use std::error::Error;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tsugi_proto::websocket::{Decoder, Incoming, Role, accept_key, client_frame};
use tsugi_proto::{Close, Message};

/// The largest message of the suite has 16 MiB.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;
/// How long the suite's server may take to start.
const START_WAIT: Duration = Duration::from_secs(30);
/// A case that takes longer is given up; the suite's report then says how far it came.
const CASE_WAIT: Duration = Duration::from_secs(100);
/// How long the server has to close a connection that is over.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xa;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let port: u16 = std::env::args().nth(1).ok_or("autobahn-client PORT")?.parse()?;
    wait_until_it_listens(port).await?;
    let count = Connection::open(port, "/getCaseCount").await?.first_text().await?;
    let count: usize = count.parse()?;
    for case in 1..=count {
        let path = format!("/runCase?case={case}&agent=tsugi");
        match timeout(CASE_WAIT, async { Connection::open(port, &path).await?.echo().await }).await {
            Ok(Ok(())) => {}
            // The suite judges; a cut connection is part of some cases.
            Ok(Err(error)) => eprintln!("case {case}: {error}"),
            Err(_) => eprintln!("case {case}: given up"),
        }
    }
    Connection::open(port, "/updateReports?agent=tsugi").await?.echo().await?;
    println!("{count}");
    Ok(())
}

/// The suite's server takes a second or two to start, and says nothing when it has.
async fn wait_until_it_listens(port: u16) -> Outcome {
    let begun = std::time::Instant::now();
    while let Err(error) = TcpStream::connect(("127.0.0.1", port)).await {
        if begun.elapsed() > START_WAIT {
            return Err(error.into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

struct Connection {
    stream: TcpStream,
    decoder: Decoder,
    /// What was read and not yet decoded.
    input: BytesMut,
}

impl Connection {
    /// Connects and shakes hands (RFC 6455 section 4.1).
    async fn open(port: u16, path: &str) -> Outcome<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut key = [0; 16];
        getrandom::fill(&mut key)?;
        let key = base64::engine::general_purpose::STANDARD.encode(key);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut input = BytesMut::new();
        let head = loop {
            if stream.read_buf(&mut input).await? == 0 {
                return Err("the server closed during the handshake".into());
            }
            if let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") {
                break input.split_to(end + 4);
            }
        };
        let head = std::str::from_utf8(&head)?;
        if !head.starts_with("HTTP/1.1 101 ") || !head.contains(&accept_key(key.as_bytes())) {
            return Err(format!("refused: {head}").into());
        }
        Ok(Self { stream, decoder: Decoder::new(Role::Client, MAX_MESSAGE), input })
    }

    async fn first_text(mut self) -> Outcome<String> {
        loop {
            let mut input = &mut self.input[..];
            match self.decoder.decode(&mut input)? {
                Some(Incoming::Message(Message::Text(text))) => return Ok(text.to_string()),
                Some(_) => return Err("expected text".into()),
                None => self.input.clear(),
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err("closed without an answer".into());
            }
        }
    }

    /// Echoes until the server closes, or breaks the protocol.
    async fn echo(mut self) -> Outcome {
        loop {
            let mut answers = BytesMut::new();
            let over = self.answer(&mut answers)?;
            self.stream.write_all(&answers).await?;
            if over {
                return self.wait_for_the_end().await;
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Answers all that was read; says whether the connection is over.
    fn answer(&mut self, answers: &mut BytesMut) -> Outcome<bool> {
        let mut input = &mut self.input[..];
        let over = loop {
            match self.decoder.decode(&mut input) {
                Ok(None) => break false,
                Ok(Some(Incoming::Message(Message::Text(text)))) => answers.extend(masked(TEXT, text.as_bytes())?),
                Ok(Some(Incoming::Message(Message::Binary(bytes)))) => answers.extend(masked(BINARY, &bytes)?),
                Ok(Some(Incoming::Ping(payload))) => answers.extend(masked(PONG, &payload)?),
                Ok(Some(Incoming::Pong(_))) => {}
                Ok(Some(Incoming::Close(close))) => {
                    answers.extend(close_frame(close.as_ref())?);
                    break true;
                }
                Err(error) => {
                    answers.extend(close_frame(Some(&error.close()))?);
                    break true;
                }
            }
        };
        self.input.clear();
        Ok(over)
    }

    /// The server closes the connection first (RFC 6455 section 7.1.1).
    async fn wait_for_the_end(mut self) -> Outcome {
        let mut rest = [0; 4096];
        let _ = timeout(CLOSE_WAIT, async { while matches!(self.stream.read(&mut rest).await, Ok(1..)) {} }).await;
        Ok(())
    }
}

fn close_frame(close: Option<&Close>) -> Outcome<Bytes> {
    let mut payload = Vec::new();
    if let Some(close) = close {
        payload.extend_from_slice(&close.code.get().to_be_bytes());
        payload.extend_from_slice(close.reason.as_str().as_bytes());
    }
    masked(CLOSE, &payload)
}

fn masked(opcode: u8, payload: &[u8]) -> Outcome<Bytes> {
    let mut mask = [0; 4];
    getrandom::fill(&mut mask)?;
    Ok(client_frame(opcode, payload, mask))
}
