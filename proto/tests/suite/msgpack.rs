//! MessagePack beyond its vectors: what survives, how events are joined, what hostile bytes cost.

use crate::hostile::{unique, value};
use bytes::Bytes;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use tsugi_proto::codec::{Codec, DecodeError, MessagePack, msgpack};
use tsugi_proto::{Event, EventId, Message, Value, fuzzing};

/// What MessagePack makes of a value that it can express.
fn widened(value: &Value) -> Value {
    match value {
        Value::List(elements) | Value::Vector(elements) => Value::Vector(elements.iter().map(widened).collect()),
        Value::Set(elements) => Value::Set(elements.iter().map(widened).collect()),
        Value::Map(entries) => Value::Map(entries.iter().map(|(key, value)| (widened(key), widened(value))).collect()),
        Value::Decimal(text) => Value::Float(text.parse().unwrap()),
        other => other.clone(),
    }
}

/// A value without what MessagePack refuses, which is told apart by the tests of its vectors.
fn expressible(value: &Value) -> Value {
    match value {
        Value::BigInteger(text) => text.parse().map_or(Value::Nil, Value::Integer),
        Value::Decimal(_) => Value::Decimal("1.25".into()),
        Value::Ratio(text) if text.len() > 12 => Value::Ratio("22/7".into()),
        Value::Tagged(_, value) => expressible(value),
        Value::List(elements) => Value::List(elements.iter().map(expressible).collect()),
        Value::Vector(elements) => Value::Vector(elements.iter().map(expressible).collect()),
        Value::Set(elements) => Value::Set(unique(elements.iter().map(expressible).collect(), |element| element)),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| (expressible(key), expressible(value)));
            Value::Map(unique(entries.collect(), |(key, _)| key))
        }
        other => other.clone(),
    }
}

/// Whether a set or map has two that became the same; such a value is refused, as it must be.
fn collides(value: &Value) -> bool {
    let twice = |keys: Vec<&Value>| {
        let keys: Vec<Value> = keys.into_iter().map(widened).collect();
        (1..keys.len()).any(|at| keys[..at].contains(&keys[at]))
    };
    match value {
        Value::List(elements) | Value::Vector(elements) => elements.iter().any(collides),
        Value::Set(elements) => twice(elements.iter().collect()) || elements.iter().any(collides),
        Value::Map(entries) => {
            twice(entries.iter().map(|(key, _)| key).collect())
                || entries.iter().any(|(key, value)| collides(key) || collides(value))
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn what_msgpack_can_express_comes_back(value in value()) {
        let value = expressible(&value);
        let written = msgpack::write(&value);
        prop_assert_eq!(written.is_err(), collides(&value), "{:?}", value);
        if let Ok(written) = written {
            prop_assert_eq!(msgpack::read(&written), Ok(widened(&value)));
            prop_assert_eq!(msgpack::from_slice::<Value>(&written), Ok(widened(&value)));
        }
    }

    #[test]
    fn what_msgpack_writes_of_any_value_reads(value in value()) {
        if let Ok(written) = msgpack::write(&value) {
            prop_assert_eq!(msgpack::read(&written), Ok(widened(&value)));
        }
    }

    #[test]
    fn joined_events_read_as_if_they_had_been_one_message(values in proptest::collection::vec(value(), 0..5)) {
        let codec = MessagePack::new();
        let mut events = Vec::new();
        for value in &values {
            let event = Event { id: EventId::of_static("a/b"), data: Some(expressible(value)) };
            if let Ok(body) = codec.encode_event(&event) {
                events.push((body, Value::Vector(vec![Value::keyword("a/b"), expressible(value)])));
            }
        }
        let bodies: Vec<Bytes> = events.iter().map(|(body, _)| body.clone()).collect();
        let all = Value::Vector(events.into_iter().map(|(_, event)| event).collect());
        // To the byte, since both refer to all that can be referred to.
        prop_assert_eq!(codec.join(&bodies), codec.encode(&all, &Value::Nil).unwrap());
    }

    #[test]
    fn any_bytes_are_msgpack_or_refused(data in proptest::collection::vec(any::<u8>(), 0..80)) {
        fuzzing::msgpack(&data);
    }
}

fn sample() -> Vec<u8> {
    let text = "[[:a/b {:k [1 -40000 1.5 \"é\" nil true] \"k\" #{{:k 1} {:k 2}} [1] #uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"
                 :r 22/7 :c \\x :i #inst \"2020\" :b #bytes \"AAH/\" :t #msgpack/ext42 #bytes \"AA==\"}] \"3f1b2c\"]";
    msgpack::write(&tsugi_proto::codec::edn::read(text).unwrap()).unwrap()
}

#[test]
fn a_message_cut_or_changed_at_any_byte_never_panics_and_cut_is_an_error() {
    let sample = sample();
    for at in 0..sample.len() {
        let cut = msgpack::read(&sample[..at]);
        assert!(matches!(cut, Err(DecodeError::Syntax { .. })), "the first {at} bytes read as {cut:?}");
        for byte in *b"\x00\x01\x04\x08\x09\x7f\x80\x81\x92\xa1\xc0\xc1\xc4\xc7\xc9\xcb\xcf\xd4\xd5\xd8\xdb\xdd\xdf\xff"
        {
            let mut changed = sample.clone();
            changed[at] = byte;
            fuzzing::msgpack(&changed);
        }
    }
}

#[test]
fn zeros_after_a_message_are_padding() {
    let codec = MessagePack::new();
    let mut padded = sample();
    padded.resize(1024, 0);
    let plain = codec.decode(&Message::binary(sample())).unwrap();
    let padded = Message::binary(padded);
    assert_eq!(codec.decode(&padded).as_ref(), Ok(&plain));
    assert_eq!(codec.decode_all(&padded), Ok(vec![plain]));
    assert!(codec.decode_event(padded).is_ok());
}

#[test]
fn a_third_of_a_thousand_keys_is_referred_to_and_the_rest_written_out() {
    // The 257th key is not listed, so its second time is as long as its first; the 256 before it are one reference each.
    let row: Vec<_> = (0..300).map(|n| (Value::keyword(&format!("key-{n:03}")), Value::Nil)).collect();
    let rows = Value::Vector(vec![Value::Map(row.clone()), Value::Map(row)]);
    let written = msgpack::write(&rows).unwrap();
    assert_eq!(written.windows(2).filter(|pair| *pair == [0xd4, 8]).count(), 256);
    assert_eq!(msgpack::read(&written), Ok(rows));
}

#[test]
fn what_a_length_claims_costs_nothing() {
    let claims: [&[u8]; 6] = [
        &[0xdd, 0xff, 0xff, 0xff, 0xff],
        &[0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1, b'a', 0xc0],
        &[0xdb, 0xff, 0xff, 0xff, 0xff, b'a'],
        &[0xc6, 0xff, 0xff, 0xff, 0xff, 0],
        &[0xc9, 0xff, 0xff, 0xff, 0xff, 4, 0xdd, 0xff, 0xff, 0xff, 0xff],
        &[0xc9, 0xff, 0xff, 0xff, 0xff, 0, b'a'],
    ];
    for claim in claims {
        assert!(matches!(msgpack::read(claim), Err(DecodeError::Syntax { .. })), "{claim:x?}");
    }
}

#[test]
fn ten_thousand_levels_are_refused_without_using_the_stack() {
    let set = [0xd5, 4, 0x91];
    for (level, count) in [(&[0x91][..], 10_000), (&[0x81, 0xc0], 10_000), (&[0x81], 10_000), (&set, 1)] {
        let mut deep = level.repeat(count);
        if count == 1 {
            // Sets in sets, each as long as what is left.
            deep = (0..10_000_u32)
                .flat_map(|at| [&[0xc9][..], &(6 * (10_000 - at)).to_be_bytes(), &[4, 0x91]].concat())
                .collect();
        }
        assert!(msgpack::read(&deep).is_err());
        assert_eq!(msgpack::read(&[0x91].repeat(10_000)), Err(DecodeError::Depth(128)));
    }
    assert!(msgpack::read(&[&[0x91].repeat(127)[..], &[0x90]].concat()).is_ok());
}

#[test]
fn references_cannot_make_a_message_its_own_square() {
    let key = "k".repeat(1 << 19);
    let rows = |count: u32| {
        let mut message = vec![0xdd];
        message.extend_from_slice(&(count + 1).to_be_bytes());
        message.extend_from_slice(&[0x81, 0xdb]);
        message.extend_from_slice(&(key.len() as u32).to_be_bytes());
        message.extend_from_slice(key.as_bytes());
        message.push(0xc0);
        message.extend((0..count).flat_map(|_| [0x81, 0xd4, 8, 0, 0xc0]));
        message
    };
    assert!(msgpack::read(&rows(15)).is_ok());
    assert!(matches!(msgpack::read(&rows(100_000)), Err(DecodeError::Size(_))));
    assert!(matches!(msgpack::from_slice::<Vec<BTreeMap<String, ()>>>(&rows(100_000)), Err(DecodeError::Size(_))));
}

#[test]
fn types_read_straight_from_bytes() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Row {
        key: i64,
        name: Option<String>,
    }
    let rows = tsugi_proto::codec::edn::read("[{:key 1, :name \"é\"} {:key 2}]").unwrap();
    let read = msgpack::from_slice::<Vec<Row>>(&msgpack::write(&rows).unwrap());
    assert_eq!(read, Ok(vec![Row { key: 1, name: Some("é".into()) }, Row { key: 2, name: None }]));
}
