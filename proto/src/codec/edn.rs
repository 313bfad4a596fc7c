//! EDN, as Clojure and ClojureScript print and read it: the codec of Sente's default packer.
//!
//! | | read | written |
//! |---|---|---|
//! | integers | of any size; `1N` | beyond 64 bits with `N` |
//! | floats | also `##Inf ##-Inf ##NaN`; what overflows is infinite, as on the JVM | `1.0`, `1.0E300`: shortest digits, JVM form |
//! | `1.5M`, `22/7` | kept as they are written | likewise |
//! | `#inst` | any prefix of RFC 3339 down to the year, any offset | milliseconds and `-00:00` |
//! | `#uuid` | either case | lower case |
//! | `#bytes "…"` | base64 with padding: Tsugi's own tag, EDN has none | likewise |
//! | other tags | kept | likewise |
//! | `#:ns{…}` | as the map it means | as a plain map |
//! | `#_`, `;`, `^meta` | passed over | never |
//!
//! Refused: a key or set element that is there twice, integers with leading zeros, unpaired surrogates, nesting beyond
//! the limit (128 unless told), and whatever is no EDN. Nothing is allocated by what a number claims to be.

mod atom;
mod lexer;
mod string;
mod writer;

use super::envelope::text::{self, Text};
use super::envelope::{self, Format};
use super::{Codec, DecodeError, EncodeError, Form, Reader};
use crate::event::{Event, EventId};
use crate::framing::Frame;
use crate::message::{Content, Message};
use crate::packet::{Encoded, Packet, Received};
use crate::value::token::{Token, Tokens};
use crate::value::{Value, build, skip};
use bytes::Bytes;
use lexer::Lexer;
use serde::Deserialize;

/// The EDN codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edn {
    max_depth: usize,
}

impl Edn {
    /// With the default limit of 128 levels.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_depth: 128 }
    }

    /// How deeply collections and tags may be nested, the packet's own vector included. Reading takes stack in
    /// proportion: some kilobytes a level without optimization.
    #[must_use]
    pub const fn max_depth(self, levels: usize) -> Self {
        Self { max_depth: levels }
    }
}

impl Default for Edn {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads the first form of `text`; text without a form is nil.
///
/// # Errors
/// When it is malformed or nested too deeply.
pub fn read(text: &str) -> Result<Value, DecodeError> {
    let mut tokens = Tokens::new(Lexer::new(text, Edn::new().max_depth));
    if *tokens.peek()? == Token::End { Ok(Value::Nil) } else { build::value(&mut tokens) }
}

/// Reads the first form of `text` into `T`, which may borrow from it.
///
/// # Errors
/// When it is malformed, nested too deeply, or does not fit `T`.
pub fn from_str<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, DecodeError> {
    skip::skip(&mut Tokens::new(Lexer::new(text, Edn::new().max_depth)))?;
    T::deserialize(&mut Tokens::new(Lexer::new(text, Edn::new().max_depth))).map_err(DecodeError::from)
}

/// Writes one value.
///
/// # Errors
/// When it holds something that EDN cannot express: a keyword with a space in its name, for example.
pub fn write(value: &Value) -> Result<String, EncodeError> {
    let mut out = String::new();
    writer::write(value, Edn::new().max_depth, &mut out)?;
    Ok(out)
}

impl Format for Edn {
    const NAME: &'static str = "edn";

    type Source<'de> = Lexer<'de>;

    fn source<'de>(&self, content: Content<'de>) -> Result<Lexer<'de>, DecodeError> {
        Ok(Lexer::new(envelope::text::<Self>(content)?, self.max_depth))
    }

    fn event_id(token: &Token<'_>) -> Option<EventId> {
        match token {
            Token::Keyword(name) => EventId::new(name).ok(),
            _ => None,
        }
    }
}

impl Text for Edn {
    const BETWEEN: &'static str = " ";
    const NIL: &'static str = "nil";
    const BETWEEN_ENTRIES: &'static str = ", ";
    const KEY_AND_VALUE: &'static str = " ";

    fn depth(&self) -> usize {
        // The packet and its batch are two levels that the reader will count.
        self.max_depth.saturating_sub(2)
    }

    fn write(&self, value: &Value, out: &mut String) -> Result<(), EncodeError> {
        writer::write(value, self.depth(), out)
    }

    fn write_string(text: &str, out: &mut String) {
        writer::string(text, out);
    }

    fn write_keyword(name: &str, out: &mut String) -> Result<(), EncodeError> {
        writer::keyword(name, out)
    }
}

impl Codec for Edn {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn content_type(&self) -> &'static str {
        "application/edn"
    }

    fn encode(&self, payload: &Value, slot: &Value) -> Result<Message, EncodeError> {
        text::encode(self, payload, slot)
    }

    fn encode_frame(&self, payload: &Value, slot: &Value) -> Result<Frame, EncodeError> {
        text::frame(self, payload, slot)
    }

    fn encode_event(&self, event: &Event) -> Result<Bytes, EncodeError> {
        let mut out = String::with_capacity(text::USUAL);
        out.push_str("[:");
        out.push_str(event.id.as_str());
        if let Some(data) = &event.data {
            out.push(' ');
            self.write(data, &mut out)?;
        }
        out.push(']');
        Ok(Bytes::from(out))
    }

    fn join(&self, events: &[Bytes]) -> Message {
        text::join::<Self>(events)
    }

    fn concat(&self, messages: &[Message]) -> Message {
        envelope::concat(messages)
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
