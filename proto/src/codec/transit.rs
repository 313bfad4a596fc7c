//! Transit-JSON and its verbose form (version 0.8 of the format), as Sente's transit packer writes and reads them.
//!
//! | value | transit | verbose |
//! |---|---|---|
//! | `nil`, booleans, text, integers within ±(2^53 − 1), floats | JSON's own; text that begins with `~`, `^` or `` ` `` after a `~` | |
//! | integers beyond; `1N` | `~i9007199254740993`, `~n1` | |
//! | NaN and the infinities | `~zNaN`, `~zINF`, `~z-INF` | |
//! | decimals, ratios | `~f1.25`, `["~#ratio",["~n22","~n7"]]` | |
//! | keywords, symbols, characters, UUIDs, bytes | `~:a/b`, `~$a`, `~ca`, `~u…`, `~b` and base64 | |
//! | moments | `~m1577934245678` | `~t2020-01-02T03:04:05.678Z`; `~m` outside the years 0 to 9999 |
//! | vectors, lists, sets | `[1]`, `["~#list",[1]]`, `["~#set",[1]]` | `{"~#list":[1]}` |
//! | maps | `["^ ","~:a",1]` | `{"~:a":1}` |
//! | maps with keys that are no single text | `["~#cmap",[key,value]]` | `{"~#cmap":[key,value]}` |
//! | other tags | `["~#tag",value]`; `~rtext` for tags of one letter with text | `{"~#tag":value}` |
//!
//! So every value comes back as it was, but not: a tag without a name and those that the format itself uses, which are an
//! [`EncodeError`]. Names and keys of more than three UTF-16 units are written once in a message and as a code such as
//! `^0` after that, which the verbose form does without. Either codec reads both forms.
//!
//! Refused: what JSON refuses, a code that stands for nothing, a key or set element that is there twice, nesting beyond
//! the limit (128 arrays and objects unless told: lists, sets and tags take one more than they show), and codes that would
//! make more than a megabyte and 16 times the message.

mod cache;
mod lexer;
mod scalar;
mod writer;

use super::envelope::{self, DataForm, Format};
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

/// The transit codec: `transit`, or `transit-verbose`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transit {
    style: Style,
    max_depth: usize,
}

/// How transit is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Short: maps as arrays, repeated names as codes. Sente's `:json`, its default.
    #[default]
    Json,
    /// For people: maps as objects, moments as text, nothing shortened. Sente's `:json-verbose`.
    Verbose,
}

impl Transit {
    /// The short form, with the default limit of 128 levels.
    #[must_use]
    pub const fn new() -> Self {
        Self { style: Style::Json, max_depth: 128 }
    }

    /// The verbose form, with the default limit of 128 levels.
    #[must_use]
    pub const fn verbose() -> Self {
        Self { style: Style::Verbose, max_depth: 128 }
    }

    /// How deeply arrays and objects may be nested, the packet's own array included. Reading takes stack in proportion: some
    /// kilobytes a level without optimization.
    #[must_use]
    pub const fn max_depth(self, levels: usize) -> Self {
        Self { max_depth: levels, ..self }
    }

    /// What is left for a value: the packet and its batch are two levels that the reader will count.
    const fn inner_depth(self) -> usize {
        self.max_depth.saturating_sub(2)
    }
}

impl Default for Transit {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads the first value of `text`, in either form.
///
/// # Errors
/// When it is malformed, missing or nested too deeply.
pub fn read(text: &str) -> Result<Value, DecodeError> {
    build::value(&mut Tokens::new(Lexer::new(text, Transit::new().max_depth)))
}

/// Reads the first value of `text`, in either form, into `T`, which may borrow from it.
///
/// # Errors
/// As for [`read`], or when it does not fit `T`.
pub fn from_str<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, DecodeError> {
    skip::skip(&mut Tokens::new(Lexer::new(text, Transit::new().max_depth)))?;
    T::deserialize(&mut Tokens::new(Lexer::new(text, Transit::new().max_depth))).map_err(DecodeError::from)
}

/// Writes one value. What JSON would write without a bracket is quoted with `["~#'",…]`.
///
/// # Errors
/// When it holds something that transit cannot express.
pub fn write(value: &Value, style: Style) -> Result<String, EncodeError> {
    let mut writer = Writer::new(style);
    writer.top(value, Transit::new().max_depth)?;
    Ok(writer.out)
}

impl Format for Transit {
    const NAME: &'static str = "transit";
    const DATA: DataForm = DataForm::InItsEvent;

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

impl Codec for Transit {
    fn name(&self) -> &'static str {
        match self.style {
            Style::Json => "transit",
            Style::Verbose => "transit-verbose",
        }
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn content_type(&self) -> &'static str {
        "application/transit+json"
    }

    fn encode(&self, payload: &Value, slot: &Value) -> Result<Message, EncodeError> {
        let mut writer = Writer::new(self.style);
        writer.out.push('[');
        writer.value(payload, self.inner_depth())?;
        writer.out.push(',');
        writer.value(slot, self.inner_depth())?;
        writer.out.push(']');
        Ok(Message::text(writer.out))
    }

    fn encode_event(&self, event: &Event) -> Result<Bytes, EncodeError> {
        let mut writer = Writer::new(self.style);
        writer.out.push('[');
        writer.keyword(event.id.as_str());
        if let Some(data) = &event.data {
            writer.out.push(',');
            writer.value(data, self.inner_depth())?;
        }
        writer.out.push(']');
        Ok(Bytes::from(writer.out))
    }

    fn join(&self, events: &[Bytes]) -> Message {
        // What no codec of ours encoded is a caller's mistake; half of it must not reach a frame.
        Message::text(writer::join(events, self.style).unwrap_or_else(|_| "[[],null]".to_owned()))
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
