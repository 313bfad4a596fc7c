//! The gzip wrapper: Sente's bytes, and what hostile ones cost.

use crate::hostile::value;
use proptest::prelude::*;
use tsugi_proto::codec::{Codec, DecodeError, Edn, Gzip, MessagePack, edn};
use tsugi_proto::{Message, Value, fuzzing};

fn binary(bytes: &[u8]) -> Message {
    Message::binary(bytes.to_vec())
}

fn letters(count: usize) -> Value {
    Value::String("a".repeat(count).into())
}

#[test]
fn less_than_1024_bytes_stand_as_they_are_and_more_are_a_gzip_stream() {
    let codec = Gzip::new(Edn::new());
    // `["…" nil]` takes eight bytes beside its letters.
    let small = codec.encode(&letters(1015), &Value::Nil).unwrap();
    assert_eq!((small.len(), small.as_bytes()[0]), (1024, 0));
    let large = codec.encode(&letters(1016), &Value::Nil).unwrap();
    assert!(large.len() < 100 && large.as_bytes().starts_with(&[1, 0x1f, 0x8b, 8]), "{large:?}");
    for (message, count) in [(small, 1015), (large, 1016)] {
        assert_eq!(codec.decode(&message).unwrap().payload, letters(count));
    }
}

#[test]
fn any_flag_but_one_means_that_nothing_is_compressed() {
    let codec = Gzip::new(Edn::new());
    for flag in [0, 2, 5, 255] {
        let read = codec.decode(&binary(&[&[flag][..], b"[:a nil]"].concat())).unwrap();
        assert_eq!(read.payload, Value::keyword("a"));
    }
    assert!(codec.decode(&binary(b"\x01[:a nil]")).is_err());
    assert!(codec.decode(&binary(b"")).is_err());
    assert!(codec.decode(&binary(b"\x00\xff")).is_err());
}

#[test]
fn a_bomb_is_refused_by_the_first_byte_beyond_the_limit() {
    let codec = Gzip::new(MessagePack::new()).max_inflated(100_000);
    let bomb = codec.encode(&letters(16 << 20), &Value::Nil).unwrap();
    assert!(bomb.len() < 100_000, "{} bytes", bomb.len());
    assert_eq!(codec.decode(&bomb), Err(DecodeError::Size(100_000)));
    assert_eq!(codec.decode_event(bomb.clone()), Err(DecodeError::Size(100_000)));
    assert_eq!(codec.decode_all(&bomb), Err(DecodeError::Size(100_000)));
    assert_eq!(codec.decode_events(&bomb), Err(DecodeError::Size(100_000)));
    // An array of two, a text with a length of 32 bits, and nil.
    let most = codec.encode(&letters(100_000 - 7), &Value::Nil).unwrap();
    assert!(codec.decode(&most).is_ok());
    let more = codec.encode(&letters(100_000 - 6), &Value::Nil).unwrap();
    assert_eq!(codec.decode(&more), Err(DecodeError::Size(100_000)));
}

#[test]
fn a_stream_cut_or_changed_at_any_byte_is_an_error_or_says_the_same() {
    let codec = Gzip::new(Edn::new());
    let rows = (0..300).map(|n| Value::Map(vec![(Value::keyword("row"), Value::Integer(n * n))]));
    let packet = codec.encode(&Value::Vector(rows.collect()), &Value::Nil).unwrap();
    let read = codec.decode(&packet);
    let bytes = packet.as_bytes();
    assert_eq!(bytes[0], 1);
    for at in 0..bytes.len() {
        assert!(codec.decode(&binary(&bytes[..at])).is_err(), "cut at {at}");
        let mut changed = bytes.to_vec();
        changed[at] ^= 0x55;
        let changed = codec.decode(&binary(&changed));
        // The head of the stream holds bytes that say nothing, such as who wrote it.
        assert!(changed.is_err() || changed == read, "changed at {at}");
    }
    let padded = [bytes, &[0; 40][..]].concat();
    assert_eq!(codec.decode(&binary(&padded)), read);
}

#[test]
fn names_tell_the_inner_codec() {
    assert_eq!(Gzip::new(Edn::new()).name(), "gz-edn");
    assert_eq!(Gzip::new(MessagePack::new()).name(), "gz-msgpack");
    assert_eq!(Gzip::new(Gzip::new(Edn::new())).name(), "gz");
    assert_eq!(Gzip::new(Edn::new()).named("small").name(), "small");
}

proptest! {
    #[test]
    fn any_value_comes_back_through_gzip(values in proptest::collection::vec(value(), 0..40)) {
        let codec = Gzip::new(Edn::new());
        let message = codec.encode(&Value::Vector(values.clone()), &Value::Nil).unwrap();
        prop_assert_eq!(edn::read(&edn::write(&Value::Vector(values)).unwrap()), codec.decode(&message).map(|packet| packet.payload));
    }

    #[test]
    fn any_bytes_are_gzip_or_refused(data in proptest::collection::vec(any::<u8>(), 0..60)) {
        fuzzing::gzip(&data);
        fuzzing::gzip(&[&[1, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff][..], &data].concat());
    }
}
