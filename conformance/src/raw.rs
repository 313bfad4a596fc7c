//! HTTP/1.1 and WebSocket frames by hand over TCP.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than anything here takes; who waits for this has failed.
const PATIENCE: Duration = Duration::from_secs(15);

/// The mask of every frame made here, fixed so that frames are the same each time.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One TCP connection.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
    address: SocketAddr,
}

/// What a server answers to one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    /// The body; for one that is not text, something to show.
    pub body: String,
    /// The body as it is.
    pub bytes: Vec<u8>,
}

impl Raw {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("an option");
        Self { stream, buffer: Vec::new(), address }
    }

    /// Writes these bytes. That the server hung up already is for the next read to notice.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Writes a request of these lines; host and content length are added.
    pub async fn request<L: AsRef<str>>(&mut self, lines: &[L], body: &str) {
        self.request_bytes(lines, body.as_bytes()).await;
    }

    /// The same with any body.
    pub async fn request_bytes<L: AsRef<str>>(&mut self, lines: &[L], body: &[u8]) {
        let (first, headers) = lines.split_first().expect("a request line");
        let mut head = format!("{}\r\nHost: {}\r\n", first.as_ref(), self.address);
        headers.iter().for_each(|line| head = format!("{head}{}\r\n", line.as_ref()));
        if first.as_ref().starts_with("POST") {
            head = format!("{head}Content-Length: {}\r\n", body.len());
        }
        self.write(&[format!("{head}\r\n").as_bytes(), body].concat()).await;
    }

    /// The next answer.
    pub async fn answer(&mut self) -> Answer {
        let end = loop {
            match self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => assert!(self.fill().await, "the server hung up before an answer"),
            }
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect()).expect("a head is text").to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        while self.buffer.len() < length {
            assert!(self.fill().await, "the server hung up within an answer");
        }
        let bytes: Vec<u8> = self.buffer.drain(..length).collect();
        Answer { status, head, body: String::from_utf8_lossy(&bytes).into_owned(), bytes }
    }

    /// Asks for a WebSocket at `path`; the answer's status.
    pub async fn upgrade(&mut self, path: &str) -> u16 {
        let first = format!("GET {path} HTTP/1.1");
        let upgrade = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        self.request(&[&first, upgrade[0], upgrade[1], upgrade[2], key], "").await;
        self.answer().await.status
    }

    /// The next frame, header and all; empty when the server hung up.
    pub async fn frame(&mut self) -> Vec<u8> {
        while self.buffer.len() < frame_length(&self.buffer).unwrap_or(usize::MAX) {
            if !self.fill().await {
                return Vec::new();
            }
        }
        let length = frame_length(&self.buffer).expect("a whole frame");
        self.buffer.drain(..length).collect()
    }

    /// The payload of the next frame, which must be text.
    pub async fn text(&mut self) -> String {
        let frame = self.frame().await;
        assert_eq!(frame.first(), Some(&0x81), "a text frame, not {frame:02x?}");
        String::from_utf8(payload(&frame).to_vec()).expect("text")
    }

    /// The code of the next frame, which must be a close.
    pub async fn close_code(&mut self) -> u16 {
        let frame = self.frame().await;
        assert_eq!(frame.first(), Some(&0x88), "a close frame, not {:?}", String::from_utf8_lossy(&frame));
        u16::from_be_bytes([frame[2], frame[3]])
    }

    /// Sends one whole text message.
    pub async fn send(&mut self, text: &str) {
        self.write(&client_frame(0x81, text.as_bytes())).await;
    }

    /// Whether nothing at all arrives for so long.
    pub async fn is_quiet(&mut self, duration: Duration) -> bool {
        if !self.buffer.is_empty() {
            return false;
        }
        let mut byte = [0];
        match tokio::time::timeout(duration, self.stream.peek(&mut byte)).await {
            Err(_) => true,
            Ok(peeked) => peeked.is_ok_and(|count| count == 0),
        }
    }

    async fn fill(&mut self) -> bool {
        let mut chunk = vec![0; 16 * 1024];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut chunk)).await;
        let count = read.expect("something in time").unwrap_or(0);
        self.buffer.extend_from_slice(&chunk[..count]);
        count > 0
    }
}

/// A masked frame with this first byte.
#[must_use]
pub fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | u8::try_from(length).expect("small")),
        length => match u16::try_from(length) {
            Ok(length) => {
                frame.push(0xfe);
                frame.extend(length.to_be_bytes());
            }
            Err(_) => {
                frame.push(0xff);
                frame.extend((length as u64).to_be_bytes());
            }
        },
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// How long the header of an unmasked frame is, and the whole; `None` while the header is not whole.
fn lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let (header, length) = match *bytes.get(1)? & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        length => (2, usize::from(length)),
    };
    Some((header, header + length))
}

fn frame_length(bytes: &[u8]) -> Option<usize> {
    lengths(bytes).map(|(_, whole)| whole)
}

/// What is in a frame of the server.
#[must_use]
pub fn payload(frame: &[u8]) -> &[u8] {
    lengths(frame).map_or(&[], |(header, whole)| &frame[header..whole])
}
