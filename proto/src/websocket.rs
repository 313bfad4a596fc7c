//! The WebSocket protocol (RFC 6455) without I/O, for both roles.
//!
//! A [`Decoder`] is fed whatever was read, in whatever pieces, and keeps nothing but a frame or message that is not
//! whole yet. What is sent needs no state: a server's frames are [`Frame`](crate::Frame)s, made once and shared; a
//! client's are masked one by one with [`client_frame`].
//!
//! Extensions are not negotiated, so reserved bits are refused. Permessage-deflate would use the first of them: it marks
//! a message in `message`, and nothing else here would change.

mod close;
pub(crate) mod frame;
mod message;

pub use frame::client_frame;

use crate::close::Close;
use crate::message::Message;
use base64::Engine;
use bytes::Bytes;
use frame::{Header, HeaderReader, Opcode, unmask};
use message::Assembly;
use sha1::{Digest, Sha1};
use thiserror::Error;

/// Which end this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes masked frames only (RFC 6455 section 5.1).
    Server,
    /// Takes frames without a mask only.
    Client,
}

/// What was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole message.
    Message(Message),
    /// A ping: answer with a pong of the same payload.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// A close, with its code and reason if it had any. Nothing comes after it.
    Close(Option<Close>),
}

/// How the peer broke the protocol. The connection must be closed with [`ProtocolError::close`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// A reserved bit is set, and no extension was negotiated.
    #[error("reserved bit set")]
    Reserved,
    /// An opcode that RFC 6455 does not define.
    #[error("unknown opcode")]
    Opcode,
    /// A client's frame without a mask, or a server's with one.
    #[error("wrong masking")]
    Mask,
    /// A control frame that is fragmented or holds more than 125 bytes.
    #[error("bad control frame")]
    Control,
    /// A continuation without a beginning, or a new message inside of another.
    #[error("bad fragmentation")]
    Fragmentation,
    /// A length whose highest bit is set.
    #[error("bad length")]
    Length,
    /// A close frame with one byte, or with a code that may not be sent.
    #[error("bad close frame")]
    Close,
    /// Text or a close reason that is not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// A message larger than this end accepts.
    #[error("message too large")]
    TooLarge,
}

impl ProtocolError {
    /// The close that tells the peer.
    #[must_use]
    pub fn close(&self) -> Close {
        use crate::close::CloseCode;
        let (code, reason) = match self {
            Self::Reserved => (CloseCode::PROTOCOL, "reserved bit set"),
            Self::Opcode => (CloseCode::PROTOCOL, "unknown opcode"),
            Self::Mask => (CloseCode::PROTOCOL, "wrong masking"),
            Self::Control => (CloseCode::PROTOCOL, "bad control frame"),
            Self::Fragmentation => (CloseCode::PROTOCOL, "bad fragmentation"),
            Self::Length => (CloseCode::PROTOCOL, "bad length"),
            Self::Close => (CloseCode::PROTOCOL, "bad close frame"),
            Self::Utf8 => (CloseCode::INVALID_DATA, "invalid UTF-8"),
            Self::TooLarge => (CloseCode::TOO_LARGE, "message too large"),
        };
        Close::because(code, reason)
    }
}

/// Frames in, messages out. Small while nothing is under way: a connection that idles owns no buffer.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    closed: bool,
    max_message: usize,
    header: HeaderReader,
    /// What is under way; made for the first frame or message that comes in pieces, and dropped when it is whole.
    pending: Option<Box<Pending>>,
}

#[derive(Debug, Default)]
struct Pending {
    /// The frame whose payload is not whole yet.
    frame: Option<Current>,
    /// The message whose last fragment has not come yet.
    assembly: Option<Assembly>,
}

#[derive(Debug)]
struct Current {
    header: Header,
    /// Bytes of payload still to come.
    missing: usize,
    /// How far the mask has been used.
    offset: usize,
    /// A control frame's payload so far. Data goes to the assembly at once.
    control: Vec<u8>,
}

impl Decoder {
    /// A decoder for one connection. A message of more than `max_message` bytes is [`ProtocolError::TooLarge`] as soon as
    /// its length is known.
    #[must_use]
    pub fn new(role: Role, max_message: usize) -> Self {
        Self { role, closed: false, max_message, header: HeaderReader::default(), pending: None }
    }

    /// Takes what it can from the front of `input`, unmasking in place, and returns the next thing received. `None`
    /// means that all was taken. Call it again with the rest until then.
    ///
    /// # Errors
    /// When the peer broke the protocol. Nothing can be decoded after that.
    pub fn decode(&mut self, input: &mut &mut [u8]) -> Result<Option<Incoming>, ProtocolError> {
        let decoded = self.next(input);
        self.closed |= matches!(decoded, Err(_) | Ok(Some(Incoming::Close(_))));
        decoded
    }

    fn next(&mut self, input: &mut &mut [u8]) -> Result<Option<Incoming>, ProtocolError> {
        while !self.closed {
            let decoded = if self.pending.as_ref().is_some_and(|pending| pending.frame.is_some()) {
                self.go_on(input)?
            } else {
                let Some(header) = self.header.read(input)? else { return Ok(None) };
                self.check(&header)?;
                self.begin(header, input)?
            };
            match decoded {
                Step::Done(incoming) => return Ok(Some(incoming)),
                Step::More => {}
                Step::Starved => return Ok(None),
            }
        }
        *input = &mut [];
        Ok(None)
    }

    fn check(&self, header: &Header) -> Result<(), ProtocolError> {
        if header.mask.is_some() != (self.role == Role::Server) {
            return Err(ProtocolError::Mask);
        }
        let assembled = self.pending.as_ref().and_then(|pending| pending.assembly.as_ref());
        match header.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => {
                if header.length > 125 || !header.last {
                    return Err(ProtocolError::Control);
                }
                return Ok(());
            }
            Opcode::Continuation if assembled.is_none() => return Err(ProtocolError::Fragmentation),
            Opcode::Text | Opcode::Binary if assembled.is_some() => return Err(ProtocolError::Fragmentation),
            _ => {}
        }
        let so_far = assembled.map_or(0, Assembly::len) as u64;
        if so_far.saturating_add(header.length) > self.max_message as u64 {
            return Err(ProtocolError::TooLarge);
        }
        Ok(())
    }

    /// Starts a frame. One that lies in `input` whole, and is a whole message, is copied once and kept nowhere.
    fn begin(&mut self, header: Header, input: &mut &mut [u8]) -> Result<Step, ProtocolError> {
        // Checked against `max_message` or 125 above, so it fits.
        let length = usize::try_from(header.length).map_err(|_| ProtocolError::TooLarge)?;
        let simple = header.opcode.is_control() || (header.last && header.opcode != Opcode::Continuation);
        if simple && input.len() >= length {
            let payload = take(input, length);
            unmask(payload, header.mask, 0);
            return finish(header.opcode, payload).map(Step::Done);
        }
        let pending = self.pending.get_or_insert_default();
        if matches!(header.opcode, Opcode::Text | Opcode::Binary) {
            pending.assembly = Some(Assembly::new(header.opcode));
        }
        pending.frame = Some(Current { header, missing: length, offset: 0, control: Vec::new() });
        Ok(Step::More)
    }

    /// Takes more of the payload of the frame under way.
    fn go_on(&mut self, input: &mut &mut [u8]) -> Result<Step, ProtocolError> {
        let Some(pending) = self.pending.as_deref_mut() else { return Ok(Step::More) };
        let Pending { frame, assembly } = pending;
        let Some(current) = frame else { return Ok(Step::More) };
        let payload = take(input, current.missing.min(input.len()));
        unmask(payload, current.header.mask, current.offset);
        current.offset += payload.len();
        current.missing -= payload.len();
        match assembly {
            Some(assembly) if !current.header.opcode.is_control() => assembly.push(payload)?,
            _ => current.control.extend_from_slice(payload),
        }
        if current.missing > 0 {
            return Ok(Step::Starved);
        }
        let Some(done) = frame.take() else { return Ok(Step::More) };
        let step = match assembly.take() {
            held if done.header.opcode.is_control() => {
                *assembly = held;
                Step::Done(finish(done.header.opcode, &done.control)?)
            }
            Some(whole) if done.header.last => Step::Done(Incoming::Message(whole.finish()?)),
            part => {
                *assembly = part;
                Step::More
            }
        };
        if assembly.is_none() {
            self.pending = None;
        }
        Ok(step)
    }
}

enum Step {
    Done(Incoming),
    More,
    Starved,
}

fn take<'i>(input: &mut &'i mut [u8], count: usize) -> &'i mut [u8] {
    let (taken, rest) = std::mem::take(input).split_at_mut(count);
    *input = rest;
    taken
}

fn finish(opcode: Opcode, payload: &[u8]) -> Result<Incoming, ProtocolError> {
    let whole = Bytes::copy_from_slice(payload);
    Ok(match opcode {
        Opcode::Close => Incoming::Close(close::read(payload)?),
        Opcode::Ping => Incoming::Ping(whole),
        Opcode::Pong => Incoming::Pong(whole),
        Opcode::Text => Incoming::Message(message::text(whole)?),
        Opcode::Binary | Opcode::Continuation => Incoming::Message(Message::Binary(whole)),
    })
}

/// The answer to a client's `Sec-WebSocket-Key` (RFC 6455 section 4.2.2, item 5.4).
#[must_use]
pub fn accept_key(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64::engine::general_purpose::STANDARD.encode(hash.finalize())
}
