//! The shapes of packets, for every codec: `[payload slot]` one after another.

#[cfg(any(feature = "edn", feature = "json"))]
mod direct;
#[cfg(any(feature = "edn", feature = "json"))]
pub(super) mod text;

use super::{DecodeError, Form, Reader};
use crate::event::EventId;
use crate::message::Message;
use crate::packet::{Packet, Received};
use crate::value::token::{Shape, Source, Token, Tokens};
use crate::value::{Value, build, skip};
use bytes::Bytes;
use serde::de::DeserializeOwned;

/// What distinguishes one codec from another when it reads.
pub(super) trait Format {
    const NAME: &'static str;
    const FORM: Form;
    const DATA: DataForm = DataForm::Alone;

    type Source<'de>: Source<'de>;

    fn source<'de>(&self, data: &'de [u8]) -> Result<Self::Source<'de>, DecodeError>;

    /// The id that a token in an event's first place names.
    fn event_id(token: &Token<'_>) -> Option<EventId>;
}

/// What is kept of an event whose data is to be read later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataForm {
    /// The data.
    Alone,
    /// The whole event: its data may refer to its id.
    #[cfg_attr(not(feature = "transit"), allow(dead_code, reason = "only transit's cache spans id and data"))]
    InItsEvent,
}

/// The bytes of a message, if it is of the codec's kind.
fn bytes<C: Format>(message: &Message) -> Result<&Bytes, DecodeError> {
    match (message, C::FORM) {
        (Message::Text(text), Form::Text) => Ok(text.as_bytes()),
        (Message::Binary(bytes), Form::Binary) => Ok(bytes),
        (_, Form::Text) => Err(DecodeError::Form { codec: C::NAME, expected: "text" }),
        (_, Form::Binary) => Err(DecodeError::Form { codec: C::NAME, expected: "binary" }),
    }
}

pub(super) fn decode<C: Format>(codec: &C, message: &Message) -> Result<Packet, DecodeError> {
    packet(&mut Tokens::new(codec.source(bytes::<C>(message)?)?))
}

pub(super) fn decode_all<C: Format>(codec: &C, message: &Message) -> Result<Vec<Packet>, DecodeError> {
    each(&mut Tokens::new(codec.source(bytes::<C>(message)?)?), packet)
}

pub(super) fn decode_event<C: Format>(codec: &C, message: &Message) -> Result<Received, DecodeError> {
    let bytes = bytes::<C>(message)?;
    received::<C>(bytes, &mut Tokens::new(codec.source(bytes)?))
}

pub(super) fn decode_events<C: Format>(codec: &C, message: &Message) -> Result<Vec<Received>, DecodeError> {
    let bytes = bytes::<C>(message)?;
    each(&mut Tokens::new(codec.source(bytes)?), |tokens| received::<C>(bytes, tokens))
}

fn each<'de, S: Source<'de>, T>(
    tokens: &mut Tokens<'de, S>,
    mut read: impl FnMut(&mut Tokens<'de, S>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut all = Vec::new();
    while *tokens.peek()? != Token::End {
        all.push(read(tokens)?);
    }
    Ok(all)
}

fn packet<'de, S: Source<'de>>(tokens: &mut Tokens<'de, S>) -> Result<Packet, DecodeError> {
    open(tokens)?;
    let payload = build::value(tokens)?;
    let slot = slot(tokens)?;
    Ok(Packet { payload, slot })
}

/// The start of a packet: a vector with something in it.
fn open<'de, S: Source<'de>>(tokens: &mut Tokens<'de, S>) -> Result<(), DecodeError> {
    if tokens.open()? != Some(Shape::Vector) || tokens.closes()? {
        return Err(DecodeError::Envelope);
    }
    Ok(())
}

/// The rest of a packet after its payload: a slot or none, and the end.
fn slot<'de, S: Source<'de>>(tokens: &mut Tokens<'de, S>) -> Result<Value, DecodeError> {
    if tokens.closes()? {
        return Ok(Value::Nil);
    }
    let slot = build::value(tokens)?;
    match tokens.next()? {
        Token::Close => Ok(slot),
        _ => Err(DecodeError::Envelope),
    }
}

fn received<'de, C: Format>(
    message: &Bytes,
    tokens: &mut Tokens<'de, C::Source<'de>>,
) -> Result<Received, DecodeError> {
    // What turns out not to be an event is read again from here, as a value.
    let again = tokens.clone();
    open(tokens)?;
    if let Some((id, data)) = event::<C>(tokens)? {
        let data = data.map(|range| part(message, range));
        return Ok(Received::Event { id, data, slot: slot(tokens)? });
    }
    *tokens = again;
    let Packet { payload, slot } = packet(tokens)?;
    Ok(Received::BadEvent { payload, slot })
}

/// To share the memory of a message takes an allocation too, and counting that every holder pays for: short data is copied.
const COPIED: usize = 512;

fn part(message: &Bytes, range: std::ops::Range<usize>) -> Bytes {
    if range.len() > COPIED { message.slice(range) } else { Bytes::copy_from_slice(&message[range]) }
}

type Data = Option<std::ops::Range<usize>>;

/// Reads `[id]` or `[id data]`; after `None`, an unknown part of what is there was read.
fn event<'de, C: Format>(tokens: &mut Tokens<'de, C::Source<'de>>) -> Result<Option<(EventId, Data)>, DecodeError> {
    if tokens.open()? != Some(Shape::Vector) {
        return Ok(None);
    }
    let whole = tokens.start();
    let Some(id) = C::event_id(&tokens.next_name()?) else { return Ok(None) };
    let mut data = None;
    let mut complete = tokens.closes()?;
    if !complete {
        let start = tokens.begins()?;
        skip::skip(tokens)?;
        data = Some(start..tokens.end());
        complete = tokens.next()? == Token::Close;
    }
    if C::DATA == DataForm::InItsEvent {
        data = data.map(|_| whole..tokens.end());
    }
    Ok(complete.then_some((id, data)))
}

/// Reads `data` straight into `T`.
pub(super) fn read<C: Format, T: DeserializeOwned>(codec: &C, data: &[u8]) -> Result<T, DecodeError> {
    T::deserialize(&mut data_tokens(codec, data)?).map_err(|error| DecodeError::Data(error.to_string()))
}

/// Offers `data` to `reader`, straight from its bytes.
pub(super) fn deserialize<C: Format>(codec: &C, data: &[u8], reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let mut tokens = data_tokens(codec, data)?;
    let mut deserializer = <dyn erased_serde::Deserializer<'_>>::erase(&mut tokens);
    reader(&mut deserializer).map_err(|error| DecodeError::Data(error.to_string()))
}

/// What was kept of an event, from its data on.
fn data_tokens<'de, C: Format>(codec: &C, data: &'de [u8]) -> Result<Tokens<'de, C::Source<'de>>, DecodeError> {
    let mut tokens = Tokens::new(codec.source(data)?);
    if C::DATA == DataForm::InItsEvent {
        // The vector and the id, which may stand in the codec's cache.
        tokens.next()?;
        tokens.next()?;
    }
    Ok(tokens)
}

/// The text of a text codec's message.
#[cfg(any(feature = "edn", feature = "json", feature = "transit"))]
pub(super) fn utf8(data: &[u8]) -> Result<&str, DecodeError> {
    simdutf8::compat::from_utf8(data)
        .map_err(|error| DecodeError::Syntax { what: "not UTF-8", at: error.valid_up_to() })
}

/// Messages of a text codec, one a line.
#[cfg(any(feature = "edn", feature = "json", feature = "transit"))]
pub(super) fn concat(messages: &[Message]) -> Message {
    let mut out = String::with_capacity(messages.iter().map(|message| message.len() + 1).sum());
    let texts = messages.iter().filter_map(|message| match message {
        Message::Text(text) => Some(text.as_str()),
        Message::Binary(_) => None,
    });
    for (index, text) in texts.enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out.push_str(text);
    }
    Message::text(out)
}
