//! The shapes of packets, for every codec: `[payload slot]` one after another.

#[cfg(any(feature = "edn", feature = "json"))]
mod direct;
#[cfg(any(feature = "edn", feature = "json"))]
pub(super) mod text;

use super::{DecodeError, Reader};
use crate::event::EventId;
use crate::message::{Content, Message};
use crate::packet::{Encoded, Packet, Received};
use crate::value::token::{Shape, Source, Token, Tokens};
use crate::value::{Value, build, skip};
use serde::de::DeserializeOwned;

/// What distinguishes one codec from another when it reads.
pub(super) trait Format {
    const NAME: &'static str;
    const DATA: DataForm = DataForm::Alone;

    type Source<'de>: Source<'de>;

    /// # Errors
    /// When it is not of the codec's kind.
    fn source<'de>(&self, content: Content<'de>) -> Result<Self::Source<'de>, DecodeError>;

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

pub(super) fn decode<C: Format>(codec: &C, message: &Message) -> Result<Packet, DecodeError> {
    packet(&mut Tokens::new(codec.source(message.content())?))
}

pub(super) fn decode_all<C: Format>(codec: &C, message: &Message) -> Result<Vec<Packet>, DecodeError> {
    each(&mut Tokens::new(codec.source(message.content())?), packet)
}

pub(super) fn decode_event<C: Format>(codec: &C, message: Message) -> Result<Received, DecodeError> {
    let parts = parts::<C>(&mut Tokens::new(codec.source(message.content())?))?;
    Ok(parts.of(message))
}

pub(super) fn decode_events<C: Format>(codec: &C, message: &Message) -> Result<Vec<Received>, DecodeError> {
    each(&mut Tokens::new(codec.source(message.content())?), |tokens| Ok(parts::<C>(tokens)?.of(message.clone())))
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
    // Nearly always a number.
    let slot = match tokens.number() {
        Some(number) => number.into(),
        None => build::value(tokens)?,
    };
    if tokens.closes()? {
        return Ok(slot);
    }
    tokens.next()?;
    Err(DecodeError::Envelope)
}

/// What was received, with the place of its data instead of that.
enum Parts {
    Event(EventId, Data, Value),
    Bad(Packet),
}

impl Parts {
    fn of(self, message: Message) -> Received {
        match self {
            Self::Event(id, data, slot) => {
                Received::Event { id, data: data.map(|range| Encoded::part(message, range)), slot }
            }
            Self::Bad(Packet { payload, slot }) => Received::BadEvent { payload, slot },
        }
    }
}

fn parts<'de, C: Format>(tokens: &mut Tokens<'de, C::Source<'de>>) -> Result<Parts, DecodeError> {
    // What turns out not to be an event is read again from here, as a value.
    let again = tokens.clone();
    open(tokens)?;
    if let Some((id, data)) = event::<C>(tokens)? {
        return Ok(Parts::Event(id, data, slot(tokens)?));
    }
    *tokens = again;
    packet(tokens).map(Parts::Bad)
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
        complete = tokens.closes()?;
    }
    if C::DATA == DataForm::InItsEvent {
        data = data.map(|_| whole..tokens.end());
    }
    Ok(complete.then_some((id, data)))
}

/// Reads `data` straight into `T`.
pub(super) fn read<C: Format, T: DeserializeOwned>(codec: &C, data: Content<'_>) -> Result<T, DecodeError> {
    T::deserialize(&mut data_tokens(codec, data)?).map_err(|error| DecodeError::Data(error.to_string()))
}

/// Offers `data` to `reader`, straight from its bytes.
pub(super) fn deserialize<C: Format>(codec: &C, data: &Encoded, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let mut tokens = data_tokens(codec, data.content())?;
    let mut deserializer = <dyn erased_serde::Deserializer<'_>>::erase(&mut tokens);
    reader(&mut deserializer).map_err(|error| DecodeError::Data(error.to_string()))
}

/// What was kept of an event, from its data on.
fn data_tokens<'de, C: Format>(codec: &C, data: Content<'de>) -> Result<Tokens<'de, C::Source<'de>>, DecodeError> {
    let mut tokens = Tokens::new(codec.source(data)?);
    if C::DATA == DataForm::InItsEvent {
        // The vector and the id, which may stand in the codec's cache.
        tokens.next()?;
        tokens.next()?;
    }
    Ok(tokens)
}

/// What a text codec takes.
#[cfg(any(feature = "edn", feature = "json", feature = "transit"))]
pub(super) fn text<C: Format>(content: Content<'_>) -> Result<&str, DecodeError> {
    match content {
        Content::Text(text) => Ok(text),
        Content::Binary(_) => Err(DecodeError::Form { codec: C::NAME, expected: "text" }),
    }
}

/// What a binary codec takes.
#[cfg(feature = "msgpack")]
pub(super) fn binary<C: Format>(content: Content<'_>) -> Result<&[u8], DecodeError> {
    match content {
        Content::Text(_) => Err(DecodeError::Form { codec: C::NAME, expected: "binary" }),
        Content::Binary(bytes) => Ok(bytes),
    }
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
