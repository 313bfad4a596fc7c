//! Values to messages and back. Sente calls this a packer.

#[cfg(any(feature = "msgpack", feature = "transit"))]
mod cache;
#[cfg(feature = "edn")]
pub mod edn;
#[cfg(any(feature = "edn", feature = "json", feature = "msgpack", feature = "transit"))]
mod envelope;
#[cfg(feature = "gzip")]
pub mod gzip;
#[cfg(any(feature = "edn", feature = "json"))]
mod integer;
#[cfg(feature = "json")]
pub mod json;
#[cfg(any(feature = "json", feature = "transit"))]
mod json_text;
#[cfg(any(feature = "edn", feature = "json", feature = "transit"))]
mod levels;
#[cfg(feature = "msgpack")]
pub mod msgpack;
#[cfg(any(feature = "edn", feature = "msgpack", feature = "transit"))]
mod number;
pub mod older;
#[cfg(any(feature = "edn", feature = "json", feature = "transit"))]
mod plain;
#[cfg(any(feature = "edn", feature = "json", feature = "transit"))]
mod scan;
#[cfg(feature = "test-suite")]
pub mod suite;
#[cfg(feature = "transit")]
pub mod transit;
#[cfg(feature = "fuzzing")]
pub(crate) mod unabridged;
#[cfg(any(feature = "edn", feature = "json", feature = "transit"))]
mod unicode;

#[cfg(feature = "edn")]
pub use edn::Edn;
#[cfg(feature = "gzip")]
pub use gzip::Gzip;
#[cfg(feature = "json")]
pub use json::Json;
#[cfg(feature = "msgpack")]
pub use msgpack::MessagePack;
pub use older::Older;
#[cfg(feature = "transit")]
pub use transit::Transit;

use crate::event::Event;
use crate::framing::Frame;
use crate::message::Message;
use crate::packet::{Encoded, Packet, Received};
use crate::value::Value;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::fmt;
use thiserror::Error;

/// Whether a codec writes text or bytes. The other kind of message is refused when it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text messages, text frames.
    Text,
    /// Binary messages, binary frames.
    Binary,
}

/// What is given a deserializer by [`Codec::deserialize`].
pub type Reader<'r> = dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error> + 'r;

/// One way to write values. An extension point: what an implementation must satisfy is the codec suite.
///
/// A codec keeps no state between messages.
pub trait Codec: Any + Send + Sync + fmt::Debug {
    /// The name that `codec=` in a query chooses: `edn`, `json`, `msgpack`, `transit`.
    fn name(&self) -> &'static str;

    /// Text or binary.
    fn form(&self) -> Form;

    /// The media type of a body in this codec, such as `application/edn`.
    fn content_type(&self) -> &'static str;

    /// One message `[payload slot]`.
    ///
    /// # Errors
    /// When the codec cannot express a value; nothing was written.
    fn encode(&self, payload: &Value, slot: &Value) -> Result<Message, EncodeError>;

    /// The same as [`Codec::encode`], as a frame. A codec that can save copies or memory by it has its own.
    ///
    /// # Errors
    /// As for [`Codec::encode`].
    fn encode_frame(&self, payload: &Value, slot: &Value) -> Result<Frame, EncodeError> {
        self.encode(payload, slot).map(|message| Frame::message(&message))
    }

    /// An event by itself, in a form that [`Codec::join`] can put beside others.
    ///
    /// # Errors
    /// When the codec cannot express the data.
    fn encode_event(&self, event: &Event) -> Result<Bytes, EncodeError>;

    /// One message `[[event …] nil]` out of events from [`Codec::encode_event`]. None is a valid batch of nothing.
    fn join(&self, events: &[Bytes]) -> Message;

    /// Puts messages one after another into one, as a Tsugi poll's response and a Tsugi POST's body hold them.
    fn concat(&self, messages: &[Message]) -> Message;

    /// Reads the first message, whole, and ignores what follows it.
    ///
    /// # Errors
    /// When it is malformed, exceeds a limit, or is not the codec's [`Form`].
    fn decode(&self, message: &Message) -> Result<Packet, DecodeError>;

    /// Reads every message of a body that [`Codec::concat`] made.
    ///
    /// # Errors
    /// As for [`Codec::decode`]; nothing is returned of a body that is malformed anywhere.
    fn decode_all(&self, message: &Message) -> Result<Vec<Packet>, DecodeError>;

    /// Reads one message of a client, leaving its data encoded (but checked), and ignores what follows it.
    ///
    /// # Errors
    /// As for [`Codec::decode`].
    fn decode_event(&self, message: Message) -> Result<Received, DecodeError>;

    /// Reads every message of a client's body that [`Codec::concat`] made.
    ///
    /// # Errors
    /// As for [`Codec::decode_all`].
    fn decode_events(&self, message: &Message) -> Result<Vec<Received>, DecodeError>;

    /// The codec that data of [`Received::Event`] is in, where that is another: that around which this one is a wrapper.
    fn data_codec(&self) -> Option<&dyn Codec> {
        None
    }

    /// Offers data of [`Received::Event`] to `reader` as a serde deserializer. Use [`deserialize`] instead.
    ///
    /// # Errors
    /// When the data is malformed or does not fit what the reader wants.
    fn deserialize(&self, data: &Encoded, reader: &mut Reader<'_>) -> Result<(), DecodeError>;
}

/// Reads data of [`Received::Event`] straight into `T`. Absent data reads as nil.
///
/// # Errors
/// When the data does not fit `T`; the text says where and why and may be shown to the peer.
pub fn deserialize<T: DeserializeOwned>(codec: &dyn Codec, data: Option<&Encoded>) -> Result<T, DecodeError> {
    let Some(data) = data else {
        return crate::value::from_value(Value::Nil).map_err(|error| DecodeError::Data(error.to_string()));
    };
    if let Some(inner) = codec.data_codec() {
        return deserialize(inner, Some(data));
    }
    // What is ours is read without erased types, which cost as much as short data does.
    #[cfg(feature = "json")]
    if let Some(json) = (codec as &dyn Any).downcast_ref::<Json>() {
        return envelope::read(json, data.content());
    }
    #[cfg(feature = "edn")]
    if let Some(edn) = (codec as &dyn Any).downcast_ref::<Edn>() {
        return envelope::read(edn, data.content());
    }
    #[cfg(feature = "msgpack")]
    if let Some(msgpack) = (codec as &dyn Any).downcast_ref::<MessagePack>() {
        return envelope::read(msgpack, data.content());
    }
    #[cfg(feature = "transit")]
    if let Some(transit) = (codec as &dyn Any).downcast_ref::<Transit>() {
        return envelope::read(transit, data.content());
    }
    let mut read = None;
    codec.deserialize(data, &mut |deserializer| {
        read = Some(erased_serde::deserialize::<T>(deserializer)?);
        Ok(())
    })?;
    read.ok_or_else(|| DecodeError::Data("the codec read nothing".to_owned()))
}

/// Writes a message `[data slot]` of a type, as a frame: the same as [`Codec::encode_frame`] of what
/// [`to_value`](crate::value::to_value) makes of it.
///
/// # Errors
/// When the codec cannot express the data, or the type's own `Serialize` fails; nothing was written.
pub fn frame_of<T: Serialize + ?Sized>(codec: &dyn Codec, data: &T, slot: &Value) -> Result<Frame, EncodeError> {
    #[cfg(feature = "json")]
    if let Some(json) = (codec as &dyn Any).downcast_ref::<Json>() {
        return envelope::text::frame_of(json, data, slot);
    }
    #[cfg(feature = "edn")]
    if let Some(edn) = (codec as &dyn Any).downcast_ref::<Edn>() {
        return envelope::text::frame_of(edn, data, slot);
    }
    codec.encode_frame(&value_of(codec.name(), data)?, slot)
}

fn value_of<T: Serialize + ?Sized>(codec: &'static str, data: &T) -> Result<Value, EncodeError> {
    crate::value::to_value(data).map_err(|error| EncodeError { codec, what: error.to_string() })
}

/// A value that a codec has no form for. A mistake of the caller; nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{codec} cannot express {what}")]
pub struct EncodeError {
    /// The codec's name.
    pub codec: &'static str,
    /// What it cannot express.
    pub what: String,
}

/// Why a message could not be read. All are the sender's doing; none says anything about this end's internals.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A text message for a binary codec, or the reverse.
    #[error("{codec} takes {expected} messages only")]
    Form {
        /// The codec's name.
        codec: &'static str,
        /// `text` or `binary`.
        expected: &'static str,
    },
    /// Malformed, at this byte.
    #[error("{what} at byte {at}")]
    Syntax {
        /// What is wrong.
        what: &'static str,
        /// Where, in bytes from the start.
        at: usize,
    },
    /// Would become more than so many bytes: references to a message's own cache, or what is inflated.
    #[error("expands to more than {0} bytes")]
    Size(usize),
    /// Nested more deeply than the codec allows.
    #[error("nested more than {0} deep")]
    Depth(usize),
    /// Well-formed, but not `[payload slot]`.
    #[error("not a packet: a vector of one or two elements is expected")]
    Envelope,
    /// Well-formed, but not what the handler's type wants.
    #[error("unexpected data: {0}")]
    Data(String),
}
