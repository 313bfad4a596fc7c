//! SockJS framing: `o h a c`, and the JSON inside (sockjs-protocol 0.3.3 and its unversioned successor).
//!
//! A frame of messages is `a[…]`, an array of strings. It is kept as an ordinary text [`Frame`], so that a WebSocket
//! writes it as it is and an HTTP response wraps its payload (see [`envelope`](super::envelope)).

use super::{Frame, NotText};
use crate::close::{Close, CloseCode};
use crate::message::{Message, Utf8Bytes};
use crate::session::{EncodedEvent, Flush, Item, Joiner};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, Visitor};
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// The most messages of one body or WebSocket frame: each costs far more memory than the three bytes it may be written in.
pub const MAX_MESSAGES: usize = 16_384;

/// `o`: the session is open.
#[must_use]
pub fn open() -> Frame {
    Frame::message(&Message::Text(Utf8Bytes::from_static("o")))
}

/// `h`: still here.
#[must_use]
pub fn heartbeat() -> Frame {
    Frame::message(&Message::Text(Utf8Bytes::from_static("h")))
}

/// `c[code,"reason"]`: the session is closed. Everything that asks for it again gets the same.
///
/// A normal end that was given no reason says `Normal closure`, as every server does.
#[must_use]
pub fn close(close: &Close) -> Frame {
    let reason = match close.reason.as_str() {
        "" if close.code == CloseCode::NORMAL => "Normal closure",
        reason => reason,
    };
    let mut text = format!("c[{},", close.code.get());
    quote(&mut text, reason);
    text.push(']');
    Frame::message(&Message::text(text))
}

/// A message as what waits in a session's queue: by itself as a frame, and as a string to be joined with others.
///
/// # Errors
/// When the message is binary: SockJS carries text.
pub fn item(message: &Message) -> Result<Item, NotText> {
    let Message::Text(text) = message else { return Err(NotText) };
    Ok(Item::Event(Arc::new(encode(text.as_str())), Flush::Batched))
}

/// A text once encoded for every SockJS session it goes to.
#[must_use]
pub fn encode(text: &str) -> EncodedEvent {
    let mut framed = String::with_capacity(text.len() + text.len() / 8 + 8);
    framed.push_str("a[");
    quote(&mut framed, text);
    framed.push(']');
    let frame = Frame::message(&Message::text(framed));
    let payload = frame.payload();
    EncodedEvent { body: payload.slice(2..payload.len() - 1), frame }
}

/// Makes one `a` frame of several messages.
#[derive(Clone, Copy, Debug)]
pub struct SockJsJoiner;

impl Joiner for SockJsJoiner {
    fn join(&self, bodies: &[Bytes]) -> Frame {
        let size = bodies.iter().map(|body| body.len() + 1).sum::<usize>();
        let mut text = Vec::with_capacity(size + 3);
        text.extend_from_slice(b"a[");
        for (index, body) in bodies.iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            text.extend_from_slice(body);
        }
        text.push(b']');
        Frame::text(&text)
    }
}

/// Writes `text` as a JSON string. Beyond JSON's own escapes, those characters are escaped that old browsers and proxies
/// lose or that end a line of JavaScript, and everything beyond the basic plane, as a pair.
pub fn quote(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\' || byte >= 0xe2) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = special.chars();
        if let Some(c) = chars.next() {
            put(out, c);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn put(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        '\0'..='\u{1f}'
        | '\u{200c}'..='\u{200f}'
        | '\u{2028}'..='\u{202f}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fff0}'..='\u{10ffff}' => escape(out, c),
        _ => out.push(c),
    }
}

fn escape(out: &mut String, c: char) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.push_str("\\u");
        for shift in [12, 8, 4, 0] {
            out.push(DIGITS[usize::from(*unit >> shift & 0xf)] as char);
        }
    }
}

/// Why a body or WebSocket frame holds no messages. The texts are the protocol's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// Nothing, or JSON that is not an array.
    #[error("Payload expected.")]
    Empty,
    /// Not JSON, not UTF-8, or an array of something else than strings.
    #[error("Broken JSON encoding.")]
    Broken,
    /// More than [`MAX_MESSAGES`].
    #[error("Too many messages.")]
    TooMany,
}

/// The messages of an HTTP body: a JSON array of strings.
///
/// # Errors
/// See [`ReadError`].
pub fn read(body: &[u8]) -> Result<Vec<Message>, ReadError> {
    if body.is_empty() {
        return Err(ReadError::Empty);
    }
    read_array(simdutf8::basic::from_utf8(body).map_err(|_| ReadError::Broken)?)
}

fn read_array(text: &str) -> Result<Vec<Message>, ReadError> {
    match serde_json::from_str::<Texts>(text) {
        Ok(Texts(messages)) if messages.len() > MAX_MESSAGES => Err(ReadError::TooMany),
        Ok(Texts(messages)) => Ok(messages),
        Err(_) => Err(why(text)),
    }
}

/// The messages of a WebSocket frame: an array of strings, one string, or nothing at all.
///
/// # Errors
/// See [`ReadError`].
pub fn read_frame(frame: &Message) -> Result<Vec<Message>, ReadError> {
    let Message::Text(text) = frame else { return Err(ReadError::Broken) };
    if text.as_str().is_empty() {
        return Ok(Vec::new());
    }
    // An array is most likely, and to find out by trying costs more than reading it.
    let is_array = text.as_str().trim_start().starts_with('[');
    if !is_array && let Ok(Text(message)) = serde_json::from_str::<Text>(text.as_str()) {
        return Ok(vec![message]);
    }
    read_array(text.as_str())
}

/// Whether what is no array of strings is JSON at all.
fn why(text: &str) -> ReadError {
    let is_array = text.trim_start().starts_with('[');
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) if !is_array => ReadError::Empty,
        _ => ReadError::Broken,
    }
}

/// At most one more than [`MAX_MESSAGES`] strings; the rest of a longer array is not kept.
struct Texts(Vec<Message>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array;
        impl<'de> Visitor<'de> for Array {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of strings")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut array: A) -> Result<Texts, A::Error> {
                let mut messages = Vec::new();
                while let Some(Text(message)) = array.next_element()? {
                    if messages.len() <= MAX_MESSAGES {
                        messages.push(message);
                    }
                }
                Ok(Texts(messages))
            }
        }
        deserializer.deserialize_seq(Array)
    }
}

/// One string. An unpaired surrogate becomes U+FFFD: a client's slip must not cost it the session.
struct Text(Message);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Str;
        impl Visitor<'_> for Str {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Text, E> {
                match std::str::from_utf8(bytes) {
                    Ok(text) => Ok(Text(Message::text(text))),
                    Err(_) => Ok(Text(Message::text(mend(bytes)))),
                }
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Message::text(text)))
            }
        }
        // As bytes: serde_json refuses unpaired surrogates in text, and hands them on in bytes (as WTF-8).
        deserializer.deserialize_bytes(Str).map_err(D::Error::custom)
    }
}

/// WTF-8 with each unpaired surrogate, three bytes that begin with `ed`, as one U+FFFD.
fn mend(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                return text;
            }
            Err(error) => {
                let (valid, broken) = rest.split_at(error.valid_up_to());
                text.push_str(&String::from_utf8_lossy(valid));
                text.push('\u{fffd}');
                let skip = if broken.first() == Some(&0xed) { 3 } else { error.error_len().unwrap_or(broken.len()) };
                rest = broken.get(skip..).unwrap_or_default();
            }
        }
    }
}
