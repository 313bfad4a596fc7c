//! Transit beyond its vectors: what survives, how events are joined, what hostile text costs.

use crate::hostile::value;
use bytes::Bytes;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use tsugi_proto::codec::transit::{self, Style};
use tsugi_proto::codec::{Codec, DecodeError, Transit, edn};
use tsugi_proto::{Event, EventId, Message, Value, fuzzing};

const STYLES: [Style; 2] = [Style::Json, Style::Verbose];

proptest! {
    #[test]
    fn any_value_comes_back_from_transit_and_through_serde(value in value()) {
        for style in STYLES {
            let written = transit::write(&value, style).unwrap();
            prop_assert_eq!(transit::read(&written), Ok(value.clone()), "{}", written);
            prop_assert_eq!(transit::from_str::<Value>(&written), Ok(value.clone()), "{}", written);
        }
    }

    #[test]
    fn joined_events_read_as_if_they_had_been_one_message(values in proptest::collection::vec(value(), 0..5)) {
        for codec in [Transit::new(), Transit::verbose()] {
            let id = EventId::of_static("a/b");
            let event = |value: &Value| codec.encode_event(&Event { id: id.clone(), data: Some(value.clone()) });
            let bodies: Vec<Bytes> = values.iter().map(|value| event(value).unwrap()).collect();
            let all = values.iter().map(|value| Value::Vector(vec![Value::keyword("a/b"), value.clone()]));
            // To the byte, since both write as a code all that can be one.
            prop_assert_eq!(codec.join(&bodies), codec.encode(&Value::Vector(all.collect()), &Value::Nil).unwrap());
        }
    }

    #[test]
    fn data_that_refers_to_its_event_reads_by_itself(value in value()) {
        let codec = Transit::new();
        let data = Value::Vector(vec![Value::keyword("some/event"), value, Value::keyword("some/event")]);
        let event = Value::Vector(vec![Value::keyword("some/event"), data.clone()]);
        let message = codec.encode(&event, &Value::keyword("some/event")).unwrap();
        let Ok(tsugi_proto::Received::Event { data: Some(encoded), slot, .. }) = codec.decode_event(message) else {
            panic!("no event");
        };
        prop_assert_eq!(slot, Value::keyword("some/event"));
        prop_assert_eq!(tsugi_proto::codec::deserialize::<Value>(&codec, Some(&encoded)), Ok(data));
    }

    #[test]
    fn any_run_of_pieces_is_transit_or_refused(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..14)) {
        fuzzing::transit(pieces.concat().as_bytes());
    }
}

const PIECES: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"^ \",",
    "\"~#set\",",
    "\"~#list\",[",
    "\"~#cmap\",[",
    "\"~#ratio\",",
    "\"~#foo\",",
    "\"~#foo\":",
    "\"~#'\",",
    "\"~:abc\"",
    "\"^0\"",
    "\"^0\",",
    "\"^1\"",
    "\"~n1\",\"~n2\"",
    "\"~rx\"",
    "\"key1\"",
    "\"a\":",
    "1",
    "1.5",
    "null",
    "\"~_\"",
    " ",
    "\n",
];

fn sample() -> String {
    let text = "[[:my/event {:key [1 -40000 1.5 \"é😀\" nil true ##NaN] \"string-key\" #{{:key 1} {:key 2}} [1] (1)
                 :r 22/7 :c \\x :i #inst \"2020\" :b #bytes \"AAH/\" :t #foo/bar [sym] :u #r \"http://x\"}] \"3f1b2c\"]";
    transit::write(&edn::read(text).unwrap(), Style::Json).unwrap()
}

#[test]
fn a_text_cut_or_changed_at_any_byte_never_panics_and_cut_is_an_error() {
    let sample = sample();
    assert!(transit::read(&sample).is_ok());
    for at in 0..sample.len() {
        if let Some(cut) = sample.get(..at) {
            assert!(transit::read(cut).is_err(), "{cut}");
        }
        for byte in b"\"\\[]{}:,~^#'$_ 0a\x00\xff" {
            let mut changed = sample.clone().into_bytes();
            changed[at] = *byte;
            fuzzing::transit(&changed);
            changed.insert(at, *byte);
            fuzzing::transit(&changed);
        }
    }
}

#[test]
fn when_all_codes_are_taken_both_ends_begin_again() {
    // 1936 keys fill the cache; the next one empties it, and what was a code before is written out.
    let row =
        |count: usize| Value::Map((0..count).map(|n| (Value::keyword(&format!("key-{n:04}")), Value::Nil)).collect());
    for count in [43, 44, 45, 1935, 1936, 1937, 4000] {
        let rows = Value::Vector(vec![row(count), row(count)]);
        let written = transit::write(&rows, Style::Json).unwrap();
        assert_eq!(transit::read(&written), Ok(rows), "{count} keys");
        let codes = written.matches("\"^").count() - 2;
        assert_eq!(codes, if count <= 1936 { count } else { 0 }, "{count} keys");
    }
}

#[test]
fn ten_thousand_levels_are_refused_without_using_the_stack() {
    for level in ["[", "[\"^ \",\"a\",", "{\"a\":", "[\"~#set\",[", "[\"~#'\",", "[\"~#foo\",", "{\"~#cmap\":["] {
        assert_eq!(transit::read(&level.repeat(10_000)), Err(DecodeError::Depth(128)), "{level}");
        assert_eq!(transit::from_str::<Value>(&level.repeat(10_000)), Err(DecodeError::Depth(128)), "{level}");
    }
    let deep = (0..127).fold(Value::Vector(vec![]), |inner, _| Value::Vector(vec![inner]));
    let written = transit::write(&deep, Style::Json).unwrap();
    assert_eq!(transit::read(&written), Ok(deep.clone()));
    assert!(transit::write(&Value::Vector(vec![deep]), Style::Json).is_err());
}

#[test]
fn codes_cannot_make_a_message_its_own_square() {
    let key = "k".repeat(1 << 19);
    let rows = |count: usize| format!("[[\"^ \",\"{key}\",null]{}]", ",[\"^ \",\"^0\",null]".repeat(count));
    assert!(transit::read(&rows(15)).is_ok());
    assert!(matches!(transit::read(&rows(100_000)), Err(DecodeError::Size(_))));
    assert!(matches!(transit::from_str::<Vec<BTreeMap<String, ()>>>(&rows(100_000)), Err(DecodeError::Size(_))));
    let names = format!("[\"~:{key}\"{}]", ",\"^0\"".repeat(100_000));
    assert!(matches!(transit::from_str::<Vec<String>>(&names), Err(DecodeError::Size(_))));
}

#[test]
fn each_message_of_a_body_has_its_own_codes() {
    let codec = Transit::new();
    let body = Message::text("[[\"~:a/bcd\",\"^0\"],null]\n[[\"~:e/fgh\",\"^0\"],null]");
    let read = codec.decode_all(&body).unwrap();
    assert_eq!(read[1].payload, Value::Vector(vec![Value::keyword("e/fgh"), Value::keyword("e/fgh")]));
    assert!(codec.decode_all(&Message::text("[[\"~:a/bcd\"],null]\n[[\"^0\"],null]")).is_err());
}

#[test]
fn types_read_straight_from_text() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Row {
        key: i64,
        name: Option<String>,
    }
    let expected = vec![Row { key: 1, name: Some("é".into()) }, Row { key: 2, name: None }];
    for text in
        ["[[\"^ \",\"~:key\",1,\"~:name\",\"é\"],[\"^ \",\"^0\",2]]", "[{\"~:key\":1,\"~:name\":\"é\"},{\"key\":2}]"]
    {
        assert_eq!(transit::from_str::<Vec<Row>>(text).as_ref(), Ok(&expected), "{text}");
    }
}
