//! The codec suite on our codecs, and on a toy with a cache for each message, as transit and MessagePack have one.

use bytes::Bytes;
use std::panic::catch_unwind;
use tsugi_proto::codec::{Codec, DecodeError, Edn, EncodeError, Form, Gzip, Json, MessagePack, Reader, Transit, suite};
use tsugi_proto::{Encoded, Event, Message, Packet, Received, Value};

#[test]
fn edn_satisfies_the_suite() {
    suite::run(&Edn::new());
}

#[test]
fn json_satisfies_the_suite() {
    suite::run(&Json::new());
}

#[test]
fn msgpack_satisfies_the_suite() {
    suite::run(&MessagePack::new());
}

#[test]
fn transit_satisfies_the_suite_in_both_forms() {
    suite::run(&Transit::new());
    suite::run(&Transit::verbose());
}

#[test]
fn gzip_around_any_codec_satisfies_the_suite() {
    suite::run(&Gzip::new(Edn::new()));
    suite::run(&Gzip::new(MessagePack::new()));
    suite::run(&Gzip::new(Transit::new()));
}

#[test]
fn a_codec_with_a_cache_satisfies_the_suite_when_its_bodies_are_written_without_it() {
    suite::run(&Toy { bodies: Bodies::Plain });
}

#[test]
#[cfg_attr(target_arch = "wasm32", ignore = "a panic ends a page's program")]
fn the_suite_notices_bodies_that_were_written_with_a_cache_of_their_own() {
    assert!(catch_unwind(|| suite::run(&Toy { bodies: Bodies::Cached })).is_err());
}

/// EDN in which text that was there before in the same message is written as `#ref n`.
#[derive(Debug)]
struct Toy {
    bodies: Bodies,
}

#[derive(Debug, PartialEq)]
enum Bodies {
    Plain,
    Cached,
}

const EDN: Edn = Edn::new();

fn shrink(value: &Value, seen: &mut Vec<Value>) -> Value {
    match value {
        Value::Keyword(_) | Value::String(_) => match seen.iter().position(|known| known == value) {
            Some(index) => Value::Tagged("ref".into(), Box::new(Value::Integer(index as i64))),
            None => {
                seen.push(value.clone());
                value.clone()
            }
        },
        other => each(other, |inner| shrink(inner, seen)),
    }
}

fn grow(value: &Value, seen: &mut Vec<Value>) -> Value {
    match value {
        Value::Tagged(tag, index) if &**tag == "ref" => match **index {
            Value::Integer(index) => seen.get(index as usize).cloned().unwrap_or_default(),
            _ => Value::Nil,
        },
        Value::Keyword(_) | Value::String(_) => {
            if !seen.contains(value) {
                seen.push(value.clone());
            }
            value.clone()
        }
        other => each(other, |inner| grow(inner, seen)),
    }
}

fn each(value: &Value, mut change: impl FnMut(&Value) -> Value) -> Value {
    match value {
        Value::Vector(elements) => Value::Vector(elements.iter().map(change).collect()),
        Value::Map(entries) => Value::Map(entries.iter().map(|(key, value)| (change(key), change(value))).collect()),
        other => other.clone(),
    }
}

fn grown(packet: &Packet) -> Packet {
    let mut seen = Vec::new();
    Packet { payload: grow(&packet.payload, &mut seen), slot: grow(&packet.slot, &mut seen) }
}

fn received(packet: &Packet) -> Result<Received, DecodeError> {
    let plain = EDN.encode(&packet.payload, &packet.slot).map_err(|error| DecodeError::Data(error.to_string()))?;
    EDN.decode_event(plain)
}

impl Codec for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn form(&self) -> Form {
        Form::Text
    }

    fn content_type(&self) -> &'static str {
        "application/x-toy"
    }

    fn encode(&self, payload: &Value, slot: &Value) -> Result<Message, EncodeError> {
        let mut seen = Vec::new();
        EDN.encode(&shrink(payload, &mut seen), &shrink(slot, &mut seen))
    }

    fn encode_event(&self, event: &Event) -> Result<Bytes, EncodeError> {
        if self.bodies == Bodies::Plain {
            return EDN.encode_event(event);
        }
        let data = event.data.as_ref().map(|data| shrink(data, &mut Vec::new()));
        EDN.encode_event(&Event { id: event.id.clone(), data })
    }

    fn join(&self, events: &[Bytes]) -> Message {
        EDN.join(events)
    }

    fn concat(&self, messages: &[Message]) -> Message {
        EDN.concat(messages)
    }

    fn decode(&self, message: &Message) -> Result<Packet, DecodeError> {
        EDN.decode(message).map(|packet| grown(&packet))
    }

    fn decode_all(&self, message: &Message) -> Result<Vec<Packet>, DecodeError> {
        Ok(EDN.decode_all(message)?.iter().map(grown).collect())
    }

    fn decode_event(&self, message: Message) -> Result<Received, DecodeError> {
        received(&self.decode(&message)?)
    }

    fn decode_events(&self, message: &Message) -> Result<Vec<Received>, DecodeError> {
        self.decode_all(message)?.iter().map(received).collect()
    }

    fn deserialize(&self, data: &Encoded, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        EDN.deserialize(data, reader)
    }
}
