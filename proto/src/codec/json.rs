//! JSON (RFC 8259), for clients in browsers. It says less than EDN; what it lacks is written as text:
//!
//! | value | written | read into a type |
//! |---|---|---|
//! | keywords, symbols | text without a colon: `"ns/name"` | struct fields, variants, `String` |
//! | integers within ±(2^53 − 1) | numbers | |
//! | integers beyond, which a browser would round | decimal text | any integer or float type takes decimal text |
//! | decimals, ratios | text as they are written in EDN, without the `M` | `String`; decimal text without a point as above |
//! | characters, UUIDs, moments | text; moments as `2020-01-02T03:04:05.678Z` | `char`, and types that read such text |
//! | bytes | base64 with padding | types that ask serde for bytes |
//! | sets, lists | arrays | |
//! | keys that are text, integers or booleans | text | such types again |
//!
//! Not written, but an [`EncodeError`]: other keys, two keys that become the same text, `NaN` and the infinities, and
//! tagged values. Numbers read as integers when they have neither point nor exponent. Refused: a key that is there
//! twice, a number beyond the range of `f64`, unpaired surrogates, nesting beyond the limit (128 unless told).

mod writer;

use super::envelope::text::{self, Text};
use super::envelope::{self, Format};
use super::json_text::{Lexer, write_string};
use super::{Codec, DecodeError, EncodeError, Form, Reader};
use crate::event::{Event, EventId};
use crate::framing::Frame;
use crate::message::{Content, Message};
use crate::packet::{Encoded, Packet, Received};
use crate::value::token::{Token, Tokens};
use crate::value::{Value, build};
use bytes::Bytes;

/// The JSON codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json {
    max_depth: usize,
}

impl Json {
    /// With the default limit of 128 levels.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_depth: 128 }
    }

    /// How deeply arrays and objects may be nested, the packet's own array included.
    #[must_use]
    pub const fn max_depth(self, levels: usize) -> Self {
        Self { max_depth: levels }
    }
}

impl Default for Json {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads the first value of `text`.
///
/// # Errors
/// When it is malformed, missing or nested too deeply.
pub fn read(text: &str) -> Result<Value, DecodeError> {
    build::value(&mut Tokens::new(Lexer::new(text, Json::new().max_depth)))
}

/// Writes one value.
///
/// # Errors
/// When it holds something that JSON cannot express.
pub fn write(value: &Value) -> Result<String, EncodeError> {
    let mut out = String::new();
    writer::write(value, Json::new().max_depth, &mut out)?;
    Ok(out)
}

impl Format for Json {
    const NAME: &'static str = "json";

    type Source<'de> = Lexer<'de>;

    fn source<'de>(&self, content: Content<'de>) -> Result<Lexer<'de>, DecodeError> {
        Ok(Lexer::new(envelope::text::<Self>(content)?, self.max_depth))
    }

    fn event_id(token: &Token<'_>) -> Option<EventId> {
        match token {
            Token::String(name) => EventId::new(name).ok(),
            _ => None,
        }
    }
}

impl Text for Json {
    const BETWEEN: &'static str = ",";
    const NIL: &'static str = "null";
    const BETWEEN_ENTRIES: &'static str = ",";
    const KEY_AND_VALUE: &'static str = ":";

    fn depth(&self) -> usize {
        // The packet and its batch are two levels that the reader will count.
        self.max_depth.saturating_sub(2)
    }

    fn write(&self, value: &Value, out: &mut String) -> Result<(), EncodeError> {
        writer::write(value, self.depth(), out)
    }

    fn write_string(text: &str, out: &mut String) {
        write_string(text, out);
    }

    fn write_keyword(name: &str, out: &mut String) -> Result<(), EncodeError> {
        write_string(name, out);
        Ok(())
    }
}

impl Codec for Json {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn encode(&self, payload: &Value, slot: &Value) -> Result<Message, EncodeError> {
        text::encode(self, payload, slot)
    }

    fn encode_frame(&self, payload: &Value, slot: &Value) -> Result<Frame, EncodeError> {
        text::frame(self, payload, slot)
    }

    fn encode_event(&self, event: &Event) -> Result<Bytes, EncodeError> {
        let mut out = String::with_capacity(text::USUAL);
        out.push('[');
        write_string(event.id.as_str(), &mut out);
        if let Some(data) = &event.data {
            out.push(',');
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
