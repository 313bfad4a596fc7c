//! Messages to frames: what goes to a carrier in one piece.

#[cfg(feature = "sockjs")]
pub mod envelope;
#[cfg(feature = "sockjs")]
pub mod sockjs;

use crate::message::{Message, Utf8Bytes};
use crate::session::Item;
use crate::websocket::frame::{put_header, read_server_header_length, server_header_length};
use bytes::Bytes;
use thiserror::Error;

/// How a run of messages becomes a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// A message is a frame.
    #[default]
    Plain,
    /// SockJS: messages that wait together are one `a[…]`, and a session opens, beats and closes with frames of its own.
    #[cfg(feature = "sockjs")]
    SockJs,
}

/// The framing carries text, and the message is binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("SockJS carries text, and the message is binary")]
pub struct NotText;

impl Framing {
    /// A message as what waits in a session's queue.
    ///
    /// # Errors
    /// When the framing cannot carry this kind of message.
    pub fn item(self, message: &Message) -> Result<Item, NotText> {
        match self {
            Self::Plain => Ok(Item::Message(Frame::message(message))),
            #[cfg(feature = "sockjs")]
            Self::SockJs => sockjs::item(message),
        }
    }
}

/// One message as a WebSocket server frame (RFC 6455 section 5.2, unmasked, unfragmented), made once and shared by
/// every connection it goes to. An HTTP response uses the same bytes without the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    wire: Bytes,
}

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

impl Frame {
    /// A data frame holding one whole message.
    #[must_use]
    pub fn message(message: &Message) -> Self {
        match message {
            Message::Text(text) => Self::build(TEXT, text.as_bytes()),
            Message::Binary(bytes) => Self::build(BINARY, bytes),
        }
    }

    /// A data frame of bytes that are known to be UTF-8, such as a batch made of texts.
    #[cfg(any(feature = "edn", feature = "json", feature = "sockjs"))]
    pub(crate) fn text(text: &[u8]) -> Self {
        Self::build(TEXT, text)
    }

    /// A ping. A payload over 125 bytes is cut: a control frame holds no more.
    #[must_use]
    pub fn ping(payload: &[u8]) -> Self {
        Self::build(PING, &payload[..payload.len().min(125)])
    }

    /// A pong. A payload over 125 bytes is cut.
    #[must_use]
    pub fn pong(payload: &[u8]) -> Self {
        Self::build(PONG, &payload[..payload.len().min(125)])
    }

    /// A close frame; `None` has no code, as the answer to a close without one.
    #[must_use]
    pub fn close(close: Option<&crate::close::Close>) -> Self {
        let mut payload = Vec::new();
        if let Some(close) = close {
            payload.extend_from_slice(&close.code.get().to_be_bytes());
            payload.extend_from_slice(close.reason.as_str().as_bytes());
        }
        Self::build(CLOSE, &payload)
    }

    /// The whole frame, as a WebSocket carrier writes it.
    #[must_use]
    pub fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// The whole frame, given away: what nobody else holds is written without being shared first.
    #[must_use]
    pub fn into_wire(self) -> Bytes {
        self.wire
    }

    /// The payload alone, as a poll's body holds it. Shares the frame's memory.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.wire.slice(read_server_header_length(&self.wire)..)
    }

    /// The message again; `None` for a control frame.
    #[must_use]
    pub fn to_message(&self) -> Option<Message> {
        match self.wire[0] & 0x0f {
            TEXT => Utf8Bytes::new(self.payload()).ok().map(Message::Text),
            BINARY => Some(Message::Binary(self.payload())),
            _ => None,
        }
    }

    /// Bytes on the wire.
    #[must_use]
    pub fn len(&self) -> usize {
        self.wire.len()
    }

    /// Never: a frame has a header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    fn build(opcode: u8, payload: &[u8]) -> Self {
        let header = server_header_length(payload.len());
        // Exactly as long as it gets: `Bytes` needs a second allocation for memory that it cannot name by one length.
        let mut wire = Vec::with_capacity(header + payload.len());
        put_header(&mut wire, opcode, payload.len(), None);
        wire.extend_from_slice(payload);
        Self { wire: Bytes::from(wire) }
    }
}
