//! The units of the events wire: what one message says.
//!
//! Every message is `[payload slot]`, in both directions and on every transport (Sente 1.21 and later). The slot is
//! nil, or names a request so that its reply can be told apart: a string or number on a WebSocket and for Tsugi
//! clients, the keyword `:ajax` in a Sente client's POST.

use crate::event::EventId;
use crate::value::Value;
use bytes::Bytes;

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
        data: Option<Bytes>,
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

impl Received {
    /// The slot to answer in; [`Value::Nil`] when no reply is wanted.
    #[must_use]
    pub fn slot(&self) -> &Value {
        match self {
            Self::Event { slot, .. } | Self::BadEvent { slot, .. } => slot,
        }
    }
}
