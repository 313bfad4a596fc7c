//! Any codec, its larger messages compressed: Sente's gzip packer (1.21 and later).
//!
//! A message is binary: one byte, then the inner codec's message. The byte is 1 when what follows is a gzip stream (RFC
//! 1952), as it is from 1024 bytes on, and 0 when it is the message itself. Reading takes any byte but 1 for the latter, as
//! Sente does, and inflates no more than [`Gzip::max_inflated`].

use super::{Codec, DecodeError, EncodeError, Form, Reader};
use crate::event::Event;
use crate::message::{Message, Utf8Bytes};
use crate::packet::{Encoded, Packet, Received};
use crate::value::Value;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use std::io::Read;

/// From so many bytes on a message is compressed.
const THRESHOLD: usize = 1024;
const PLAIN: u8 = 0;
const COMPRESSED: u8 = 1;

/// A codec whose larger messages are compressed.
///
/// Whoever has `permessage-deflate` on a connection gains nothing by this beside it.
#[derive(Clone, Debug)]
pub struct Gzip<C> {
    inner: C,
    name: &'static str,
    max_inflated: usize,
}

impl<C: Codec> Gzip<C> {
    /// Around `inner`, inflating at most a megabyte (2^20 bytes) of a message. Its name is `gz-` and that of a codec of
    /// ours, `gz` around any other.
    #[must_use]
    pub fn new(inner: C) -> Self {
        let name = match inner.name() {
            "edn" => "gz-edn",
            "json" => "gz-json",
            "msgpack" => "gz-msgpack",
            "transit" => "gz-transit",
            "transit-verbose" => "gz-transit-verbose",
            _ => "gz",
        };
        Self { inner, name, max_inflated: 1 << 20 }
    }

    /// Another name, for `codec=` in a query.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// How many bytes a message may be inflated to; more is [`DecodeError::Size`]. No more than that is held while
    /// reading, whatever a peer sends, but for what a growing buffer keeps in reserve. What this end writes is not bounded.
    #[must_use]
    pub fn max_inflated(self, bytes: usize) -> Self {
        Self { max_inflated: bytes, ..self }
    }

    /// The inner codec's message, of which no more than `limit` bytes are inflated.
    fn unwrap(&self, message: &Message, limit: usize) -> Result<Message, DecodeError> {
        let Message::Binary(bytes) = message else {
            return Err(DecodeError::Form { codec: self.name, expected: "binary" });
        };
        let (flag, rest) = bytes.split_first().ok_or(DecodeError::Syntax { what: "an empty message", at: 0 })?;
        let inner = if *flag == COMPRESSED { inflate(rest, limit)? } else { bytes.slice(1..) };
        match self.inner.form() {
            Form::Binary => Ok(Message::Binary(inner)),
            Form::Text => {
                let text = Utf8Bytes::new(inner).map_err(|_| DecodeError::Syntax { what: "not UTF-8", at: 1 })?;
                Ok(Message::Text(text))
            }
        }
    }

    fn received(&self, message: &Message) -> Result<Message, DecodeError> {
        self.unwrap(message, self.max_inflated)
    }
}

fn inflate(stream: &[u8], limit: usize) -> Result<Bytes, DecodeError> {
    let mut inflated = Vec::new();
    // One byte more than is allowed tells that there is more; none after it is inflated.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = GzDecoder::new(stream).take(most).read_to_end(&mut inflated);
    read.map_err(|_| DecodeError::Syntax { what: "a gzip stream that is broken", at: 1 })?;
    if inflated.len() > limit { Err(DecodeError::Size(limit)) } else { Ok(inflated.into()) }
}

fn wrap(message: &Message) -> Message {
    let bytes = message.as_bytes();
    let mut wrapped = Vec::with_capacity(1 + bytes.len().min(THRESHOLD));
    if bytes.len() >= THRESHOLD {
        wrapped.push(COMPRESSED);
        if GzEncoder::new(&bytes[..], Compression::default()).read_to_end(&mut wrapped).is_ok() {
            return Message::binary(wrapped);
        }
        // Reading from memory does not fail; if it ever did, the message as it stands would be right all the same.
        wrapped.clear();
    }
    wrapped.push(PLAIN);
    wrapped.extend_from_slice(bytes);
    Message::binary(wrapped)
}

impl<C: Codec> Codec for Gzip<C> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn form(&self) -> Form {
        Form::Binary
    }

    fn content_type(&self) -> &'static str {
        // Neither the inner codec's type nor gzip's: the first byte is of Sente's making.
        "application/octet-stream"
    }

    fn encode(&self, payload: &Value, slot: &Value) -> Result<Message, EncodeError> {
        self.inner.encode(payload, slot).map(|message| wrap(&message))
    }

    fn encode_event(&self, event: &Event) -> Result<Bytes, EncodeError> {
        self.inner.encode_event(event)
    }

    fn join(&self, events: &[Bytes]) -> Message {
        wrap(&self.inner.join(events))
    }

    fn concat(&self, messages: &[Message]) -> Message {
        // These are of this end's making, so that no limit is needed.
        let inner: Vec<Message> = messages.iter().filter_map(|message| self.unwrap(message, usize::MAX).ok()).collect();
        wrap(&self.inner.concat(&inner))
    }

    fn decode(&self, message: &Message) -> Result<Packet, DecodeError> {
        self.inner.decode(&self.received(message)?)
    }

    fn decode_all(&self, message: &Message) -> Result<Vec<Packet>, DecodeError> {
        self.inner.decode_all(&self.received(message)?)
    }

    fn decode_event(&self, message: Message) -> Result<Received, DecodeError> {
        self.inner.decode_event(self.received(&message)?)
    }

    fn decode_events(&self, message: &Message) -> Result<Vec<Received>, DecodeError> {
        self.inner.decode_events(&self.received(message)?)
    }

    fn data_codec(&self) -> Option<&dyn Codec> {
        Some(&self.inner)
    }

    fn deserialize(&self, data: &Encoded, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.inner.deserialize(data, reader)
    }
}
