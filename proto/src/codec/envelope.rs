//! The shapes of packets, for every text codec: `[payload slot]` one after another.

use super::{DecodeError, EncodeError, Reader};
use crate::event::EventId;
use crate::message::{Message, Utf8Bytes};
use crate::packet::{Packet, Received};
use crate::value::token::{Shape, Source, Token, Tokens};
use crate::value::{Value, build};
use bytes::Bytes;

/// What distinguishes one text codec from another, beside its tokens.
pub(super) trait Text {
    const NAME: &'static str;
    /// Between `[`, the elements and `]` of a packet.
    const BETWEEN: &'static str;
    const NIL: &'static str;

    type Source<'de>: Source<'de>;

    fn source<'de>(&self, text: &'de str) -> Self::Source<'de>;

    fn write(&self, value: &Value, out: &mut String) -> Result<(), EncodeError>;

    /// The id that a token in an event's first place names.
    fn event_id(token: &Token<'_>) -> Option<EventId>;
}

pub(super) fn encode<C: Text>(codec: &C, payload: &Value, slot: &Value) -> Result<Message, EncodeError> {
    let mut out = String::with_capacity(128);
    out.push('[');
    codec.write(payload, &mut out)?;
    out.push_str(C::BETWEEN);
    codec.write(slot, &mut out)?;
    out.push(']');
    Ok(Message::text(out))
}

/// `[[event …] nil]`.
pub(super) fn join<C: Text>(events: &[Bytes]) -> Message {
    let mut out = Vec::with_capacity(8 + events.iter().map(|event| event.len() + 1).sum::<usize>());
    out.extend_from_slice(b"[[");
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(C::BETWEEN.as_bytes());
        }
        out.extend_from_slice(event);
    }
    out.push(b']');
    out.extend_from_slice(C::BETWEEN.as_bytes());
    out.extend_from_slice(C::NIL.as_bytes());
    out.push(b']');
    // Bytes that no codec of ours made and that are not UTF-8 are a caller's mistake; they must not reach a text frame.
    match Utf8Bytes::new(Bytes::from(out)) {
        Ok(text) => Message::Text(text),
        Err(_) => join::<C>(&[]),
    }
}

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

fn text<C: Text>(message: &Message) -> Result<&Utf8Bytes, DecodeError> {
    match message {
        Message::Text(text) => Ok(text),
        Message::Binary(_) => Err(DecodeError::Form { codec: C::NAME, expected: "text" }),
    }
}

pub(super) fn decode<C: Text>(codec: &C, message: &Message) -> Result<Packet, DecodeError> {
    packet(&mut Tokens::new(codec.source(text::<C>(message)?)))
}

pub(super) fn decode_all<C: Text>(codec: &C, message: &Message) -> Result<Vec<Packet>, DecodeError> {
    each(&mut Tokens::new(codec.source(text::<C>(message)?)), packet)
}

pub(super) fn decode_event<C: Text>(codec: &C, message: &Message) -> Result<Received, DecodeError> {
    let text = text::<C>(message)?;
    received::<C>(text.as_bytes(), &mut Tokens::new(codec.source(text)))
}

pub(super) fn decode_events<C: Text>(codec: &C, message: &Message) -> Result<Vec<Received>, DecodeError> {
    let text = text::<C>(message)?;
    each(&mut Tokens::new(codec.source(text)), |tokens| received::<C>(text.as_bytes(), tokens))
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
    if tokens.next()? != Token::Open(Shape::Vector) || *tokens.peek()? == Token::Close {
        return Err(DecodeError::Envelope);
    }
    Ok(())
}

/// The rest of a packet after its payload: a slot or none, and the end.
fn slot<'de, S: Source<'de>>(tokens: &mut Tokens<'de, S>) -> Result<Value, DecodeError> {
    let slot = match tokens.peek()? {
        Token::Close => Value::Nil,
        _ => build::value(tokens)?,
    };
    match tokens.next()? {
        Token::Close => Ok(slot),
        _ => Err(DecodeError::Envelope),
    }
}

fn received<'de, C: Text>(message: &Bytes, tokens: &mut Tokens<'de, C::Source<'de>>) -> Result<Received, DecodeError> {
    // What turns out not to be an event is read again from here, as a value.
    let again = tokens.clone();
    open(tokens)?;
    if let Some((id, data)) = event::<C>(tokens)? {
        let data = data.map(|range| message.slice(range));
        return Ok(Received::Event { id, data, slot: slot(tokens)? });
    }
    *tokens = again;
    let Packet { payload, slot } = packet(tokens)?;
    Ok(Received::BadEvent { payload, slot })
}

type Data = Option<std::ops::Range<usize>>;

/// Reads `[id]` or `[id data]`; after `None`, an unknown part of what is there was read.
fn event<'de, C: Text>(tokens: &mut Tokens<'de, C::Source<'de>>) -> Result<Option<(EventId, Data)>, DecodeError> {
    if tokens.next()? != Token::Open(Shape::Vector) {
        return Ok(None);
    }
    let Some(id) = C::event_id(&tokens.next()?) else { return Ok(None) };
    let mut data = None;
    if *tokens.peek()? != Token::Close {
        let start = tokens.start();
        build::skip(tokens)?;
        data = Some(start..tokens.end());
    }
    let complete = tokens.next()? == Token::Close;
    Ok(complete.then_some((id, data)))
}

/// Offers `data` to `reader`, straight from its text.
pub(super) fn deserialize<C: Text>(codec: &C, data: &[u8], reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let text = std::str::from_utf8(data)
        .map_err(|error| DecodeError::Syntax { what: "not UTF-8", at: error.valid_up_to() })?;
    let mut tokens = Tokens::new(codec.source(text));
    let mut deserializer = <dyn erased_serde::Deserializer<'_>>::erase(&mut tokens);
    reader(&mut deserializer).map_err(|error| DecodeError::Data(error.to_string()))
}
