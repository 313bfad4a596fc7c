//! The envelopes of Sente before 1.21, around any codec that writes text.
//!
//! | | 1.18 to 1.20 ([`Older::v2`]) | 1.0 to 1.16 ([`Older::v1`]) |
//! |---|---|---|
//! | a reply in a slot | `[reply slot]` | `+[reply slot]` |
//! | anything else | `[payload]` | `-payload` |
//! | read | both of these, and what those clients send: `+[event slot]` | the same |
//!
//! 1.17 reads what either writes. What the inner codec makes of an event and its data is not touched.

use super::{Codec, DecodeError, EncodeError, Form, Reader};
use crate::event::Event;
use crate::message::{Message, Utf8Bytes};
use crate::packet::{Encoded, Packet, Received};
use crate::value::Value;
use bytes::Bytes;
use std::sync::Arc;

/// A codec in an older envelope.
#[derive(Clone, Debug)]
pub struct Older {
    inner: Arc<dyn Codec>,
    version: Version,
    /// What follows the payload of a packet whose slot is nil, such as ` nil]`.
    tail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

impl Older {
    /// As Sente 1.0 to 1.16 speaks. `None` when the codec writes bytes, which Sente then had no envelope for.
    #[must_use]
    pub fn v1(inner: Arc<dyn Codec>) -> Option<Self> {
        Self::new(inner, Version::V1)
    }

    /// As Sente 1.18 to 1.20 speaks, and 1.17 understands. `None` when the codec writes bytes.
    #[must_use]
    pub fn v2(inner: Arc<dyn Codec>) -> Option<Self> {
        Self::new(inner, Version::V2)
    }

    fn new(inner: Arc<dyn Codec>, version: Version) -> Option<Self> {
        let tail = match inner.join(&[]) {
            Message::Text(text) => text.as_str().strip_prefix("[[]")?.to_owned(),
            Message::Binary(_) => return None,
        };
        Some(Self { inner, version, tail })
    }

    /// Whether a message is one that only Sente 1.0 to 1.17 sends.
    #[must_use]
    pub fn is_v1(message: &Message) -> bool {
        matches!(message, Message::Text(text) if text.as_bytes().first() == Some(&b'+'))
    }

    /// A packet of the inner codec, whose slot is nil, without that slot.
    fn bare(&self, message: Message) -> Message {
        let Message::Text(text) = &message else { return message };
        let Some(packet) = text.as_str().strip_suffix(self.tail.as_str()) else { return message };
        match self.version {
            Version::V2 => Message::text(format!("{packet}]")),
            Version::V1 => Message::text(format!("-{}", packet.get(1..).unwrap_or_default())),
        }
    }

    fn with_slot(&self, message: Message) -> Message {
        match (&message, self.version) {
            (Message::Text(text), Version::V1) => Message::text(format!("+{}", text.as_str())),
            _ => message,
        }
    }

    /// A message of either version as a packet of the inner codec.
    fn packet(message: &Message) -> Result<Message, DecodeError> {
        let Message::Text(text) = message else { return Ok(message.clone()) };
        match text.as_bytes().first() {
            Some(b'+') => {
                let rest = Utf8Bytes::new(text.as_bytes().slice(1..));
                rest.map(Message::Text).map_err(|_| DecodeError::Syntax { what: "not UTF-8", at: 1 })
            }
            Some(b'-') => Ok(Message::text(format!("[{}]", text.as_str().get(1..).unwrap_or_default()))),
            _ => Ok(message.clone()),
        }
    }
}

impl Codec for Older {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn content_type(&self) -> &'static str {
        // With a sign in front it is no document of the inner codec's type.
        if self.version == Version::V1 { "text/plain; charset=utf-8" } else { self.inner.content_type() }
    }

    fn encode(&self, payload: &Value, slot: &Value) -> Result<Message, EncodeError> {
        let message = self.inner.encode(payload, slot)?;
        Ok(if slot.is_nil() { self.bare(message) } else { self.with_slot(message) })
    }

    fn encode_event(&self, event: &Event) -> Result<Bytes, EncodeError> {
        self.inner.encode_event(event)
    }

    fn join(&self, events: &[Bytes]) -> Message {
        self.bare(self.inner.join(events))
    }

    fn concat(&self, messages: &[Message]) -> Message {
        self.inner.concat(messages)
    }

    fn decode(&self, message: &Message) -> Result<Packet, DecodeError> {
        self.inner.decode(&Self::packet(message)?)
    }

    fn decode_all(&self, message: &Message) -> Result<Vec<Packet>, DecodeError> {
        Ok(vec![self.decode(message)?])
    }

    fn decode_event(&self, message: Message) -> Result<Received, DecodeError> {
        self.inner.decode_event(Self::packet(&message)?)
    }

    fn decode_events(&self, message: &Message) -> Result<Vec<Received>, DecodeError> {
        Ok(vec![self.decode_event(message.clone())?])
    }

    fn data_codec(&self) -> Option<&dyn Codec> {
        Some(&*self.inner)
    }

    fn deserialize(&self, data: &Encoded, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.inner.deserialize(data, reader)
    }
}
