//! The units of the events wire: what one message says.
//!
//! Every message is `[payload slot]`, in both directions and on every transport (Sente 1.21 and later). The slot is
//! nil, or names a request so that its reply can be told apart: a string or number on a WebSocket and for Tsugi
//! clients, the keyword `:ajax` in a Sente client's POST.

use crate::event::EventId;
use crate::message::{Content, Message};
use crate::value::Value;
use std::fmt;
use std::ops::Range;

/// A message decoded whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    /// What is said: an event, a vector of events, a keyword or a reply.
    pub payload: Value,
    /// Which request it belongs to; [`Value::Nil`] for none.
    pub slot: Value,
}

/// A message from a client, its data still encoded so that a handler's own type can be read straight from it.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// A valid event: a vector of one or two, the first a namespaced keyword (in JSON: a namespaced string).
    Event {
        /// The event's name.
        id: EventId,
        /// The data as it was encoded, for [`codec::deserialize`](crate::codec::deserialize); `None` when the event has one element only.
        data: Option<Encoded>,
        /// The slot to answer in; [`Value::Nil`] when no reply is wanted.
        slot: Value,
    },
    /// Decodable, but no event.
    BadEvent {
        /// What was received in the place of an event.
        payload: Value,
        /// The slot to answer in.
        slot: Value,
    },
}

/// Data that is still encoded, as it stands in its message: taking it out would need memory of its own.
#[derive(Clone)]
pub struct Encoded {
    message: Message,
    range: Range<usize>,
}

impl Encoded {
    /// What of a message stands at `range`; nothing where there is no such part.
    #[must_use]
    pub fn part(message: Message, range: Range<usize>) -> Self {
        Self { message, range }
    }

    /// The text of it, in a text codec.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self.content() {
            Content::Text(text) => Some(text),
            Content::Binary(_) => None,
        }
    }

    /// Its bytes, in any codec.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self.content() {
            Content::Text(text) => text.as_bytes(),
            Content::Binary(bytes) => bytes,
        }
    }

    pub(crate) fn content(&self) -> Content<'_> {
        match self.message.content() {
            Content::Text(text) => Content::Text(text.get(self.range.clone()).unwrap_or_default()),
            Content::Binary(bytes) => Content::Binary(bytes.get(self.range.clone()).unwrap_or_default()),
        }
    }
}

impl From<Message> for Encoded {
    fn from(message: Message) -> Self {
        Self { range: 0..message.len(), message }
    }
}

impl PartialEq for Encoded {
    fn eq(&self, other: &Self) -> bool {
        self.as_str().is_some() == other.as_str().is_some() && self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content() {
            Content::Text(text) => fmt::Debug::fmt(text, f),
            Content::Binary(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
        }
    }
}

impl Received {
    /// The slot to answer in; [`Value::Nil`] when no reply is wanted.
    #[must_use]
    pub fn slot(&self) -> &Value {
        match self {
            Self::Event { slot, .. } | Self::BadEvent { slot, .. } => slot,
        }
    }
}
