//! MessagePack as Sente 1.21 and later packs it: binary, with Clojure's values as extensions.
//!
//! | value | written |
//! |---|---|
//! | integers | the shortest form; from 2^32 on as `int 64`, never `uint 64` |
//! | floats | `float 64` |
//! | text, bytes | `str`, `bin` |
//! | vectors, **lists** | arrays, which read as vectors |
//! | maps | maps with keys of any kind |
//! | keywords, symbols, characters | extensions 0, 1 and 2 with their text |
//! | ratios | extension 3, two integers of 64 bits |
//! | sets | extension 4, an array |
//! | moments | extension −1, the timestamp of 96 bits |
//! | UUIDs | extension 9, as text |
//! | **decimals** | `float 64` where that says the same digits (`1.25M` reads as `1.25`) |
//!
//! Keywords and text that are keys of maps are written once in a message and referred to after that (extension 8), the
//! first 256 of them.
//!
//! Not written, but an [`EncodeError`]: integers beyond 64 bits, ratios of such, decimals that a double would round,
//! tagged values, and a set or map in which two elements or keys become the same. Reading knows more than writing: every
//! form of integers, floats and timestamps (cut to milliseconds), and extensions nobody knows, which are kept as
//! `#msgpack/ext5` and bytes and can be written. So are Sente's extensions 5 to 7, arrays of numbers, in which its own
//! clients disagree on the order of bytes.
//!
//! What follows the first value is ignored: Sente's clients pad with zeros. Refused: a key or set element that is there
//! twice, nesting beyond the limit (128 unless told), references that would make more than a megabyte and 16 times the
//! message, and whatever is cut off. Nothing is allocated by what a length claims to be.

mod join;
mod lexer;
mod writer;

use super::envelope::{self, Format};
use super::{Codec, DecodeError, EncodeError, Form, Reader};
use crate::event::{Event, EventId};
use crate::message::{Content, Message};
use crate::packet::{Encoded, Packet, Received};
use crate::value::token::{Token, Tokens};
use crate::value::{Value, build, skip};
use bytes::Bytes;
use lexer::Lexer;
use serde::Deserialize;
use writer::Writer;

/// The MessagePack codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessagePack {
    max_depth: usize,
}

impl MessagePack {
    /// With the default limit of 128 levels.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_depth: 128 }
    }

    /// How deeply collections may be nested, the packet's own array included. Reading takes stack in proportion: some
    /// kilobytes a level without optimization.
    #[must_use]
    pub const fn max_depth(self, levels: usize) -> Self {
        Self { max_depth: levels }
    }
}

impl Default for MessagePack {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads the first value of `data`.
///
/// # Errors
/// When it is malformed, cut off or nested too deeply.
pub fn read(data: &[u8]) -> Result<Value, DecodeError> {
    build::value(&mut Tokens::new(Lexer::new(data, MessagePack::new().max_depth)))
}

/// Reads the first value of `data` into `T`, which may borrow from it.
///
/// # Errors
/// As for [`read`], or when it does not fit `T`.
pub fn from_slice<'de, T: Deserialize<'de>>(data: &'de [u8]) -> Result<T, DecodeError> {
    skip::skip(&mut Tokens::new(Lexer::new(data, MessagePack::new().max_depth)))?;
    T::deserialize(&mut Tokens::new(Lexer::new(data, MessagePack::new().max_depth))).map_err(DecodeError::from)
}

/// Writes one value.
///
/// # Errors
/// When it holds something that MessagePack cannot express.
pub fn write(value: &Value) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::default();
    writer.value(value, MessagePack::new().max_depth)?;
    Ok(writer.out)
}

impl MessagePack {
    /// What is left for a value: the packet and its batch are two levels that the reader will count.
    const fn inner_depth(self) -> usize {
        self.max_depth.saturating_sub(2)
    }
}

impl Format for MessagePack {
    const NAME: &'static str = "msgpack";

    type Source<'de> = Lexer<'de>;

    fn source<'de>(&self, content: Content<'de>) -> Result<Lexer<'de>, DecodeError> {
        Ok(Lexer::new(envelope::binary::<Self>(content)?, self.max_depth))
    }

    fn event_id(token: &Token<'_>) -> Option<EventId> {
        match token {
            Token::Keyword(name) => EventId::new(name).ok(),
            _ => None,
        }
    }
}

impl Codec for MessagePack {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn form(&self) -> Form {
        Form::Binary
    }

    fn content_type(&self) -> &'static str {
        "application/vnd.msgpack"
    }

    fn encode(&self, payload: &Value, slot: &Value) -> Result<Message, EncodeError> {
        let mut writer = Writer::default();
        writer.array(2)?;
        writer.value(payload, self.inner_depth())?;
        writer.value(slot, self.inner_depth())?;
        Ok(Message::binary(writer.out))
    }

    fn encode_event(&self, event: &Event) -> Result<Bytes, EncodeError> {
        let mut writer = Writer::default();
        writer.array(1 + usize::from(event.data.is_some()))?;
        writer.keyword(event.id.as_str())?;
        if let Some(data) = &event.data {
            writer.value(data, self.inner_depth())?;
        }
        Ok(Bytes::from(writer.out))
    }

    fn join(&self, events: &[Bytes]) -> Message {
        join::join(events)
    }

    fn concat(&self, messages: &[Message]) -> Message {
        let binary = messages.iter().filter_map(|message| match message {
            Message::Binary(bytes) => Some(&bytes[..]),
            Message::Text(_) => None,
        });
        Message::binary(binary.collect::<Vec<_>>().concat())
    }

    fn decode(&self, message: &Message) -> Result<Packet, DecodeError> {
        envelope::decode(self, message)
    }

    fn decode_all(&self, message: &Message) -> Result<Vec<Packet>, DecodeError> {
        envelope::decode_all(self, message)
    }

    fn decode_event(&self, message: Message) -> Result<Received, DecodeError> {
        envelope::decode_event(self, message)
    }

    fn decode_events(&self, message: &Message) -> Result<Vec<Received>, DecodeError> {
        envelope::decode_events(self, message)
    }

    fn deserialize(&self, data: &Encoded, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        envelope::deserialize(self, data, reader)
    }
}

/// The types of extensions (Sente's own, and −1 of MessagePack).
mod extension {
    pub(super) const KEYWORD: i8 = 0;
    pub(super) const SYMBOL: i8 = 1;
    pub(super) const CHARACTER: i8 = 2;
    pub(super) const RATIO: i8 = 3;
    pub(super) const SET: i8 = 4;
    pub(super) const KEY: i8 = 8;
    pub(super) const UUID: i8 = 9;
    pub(super) const TIMESTAMP: i8 = -1;

    /// The tag of extensions that nobody knows, before their number.
    pub(super) const TAG: &str = "msgpack/ext";

    /// Whether a value of this type has a form of its own, and so must not be written as an unknown one.
    pub(super) const fn is_known(kind: i8) -> bool {
        matches!(kind, KEYWORD | SYMBOL | CHARACTER | RATIO | SET | KEY | UUID | TIMESTAMP)
    }
}

/// How many keys a message's cache holds.
const KEYS: usize = 256;
