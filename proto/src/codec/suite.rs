//! What every [`Codec`] must do, as a function that its own tests call.
//!
//! ```
//! # use tsugi_proto::codec::{Edn, suite};
//! suite::run(&Edn::new());
//! ```

use super::{Codec, DecodeError, Form, deserialize};
use crate::event::{Event, EventId};
use crate::message::Message;
use crate::packet::Received;
use crate::value::Value;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Runs every check. What differs between formats, such as whether keywords stay keywords, is not looked at.
///
/// # Panics
/// At the first promise that the codec breaks, saying which.
pub fn run(codec: &dyn Codec) {
    assert!(!codec.name().is_empty(), "a codec has a name");
    assert!(codec.content_type().contains('/'), "a codec has a media type");
    values_come_back(codec);
    events_arrive_with_their_data(codec);
    joined_events_read_as_each_alone(codec);
    bodies_hold_many_messages(codec);
    what_is_no_event_is_told_apart(codec);
    the_wrong_form_is_refused(codec);
    a_part_of_a_message_is_an_error(codec);
    depth_is_an_error(codec);
}

type Data = Vec<BTreeMap<String, Vec<Option<i64>>>>;

/// Rows with the same keys: what a cache shortens inside one event.
fn data(seed: i64) -> Data {
    let row = vec![Some(seed), None, Some(-seed)];
    let named = BTreeMap::from([("repeated-key".to_owned(), row.clone()), ("another repeated key".to_owned(), row)]);
    vec![named.clone(), named]
}

/// Events that repeat ids and keys, which a cache in a codec would shorten.
fn events() -> Vec<Event> {
    let event = |id, seed| Event::new(id, &data(seed)).expect("a valid event");
    vec![
        event("suite/first", 1),
        event("suite/second", 2),
        event("suite/first", 3),
        Event::bare("suite/second").expect("a valid event"),
    ]
}

fn as_value(event: &Event) -> Value {
    let id = Value::keyword(event.id.as_str());
    Value::Vector(std::iter::once(id).chain(event.data.clone()).collect())
}

fn request(codec: &dyn Codec, event: &Event, slot: &Value) -> Message {
    codec.encode(&as_value(event), slot).expect("an event can be written")
}

fn values_come_back(codec: &dyn Codec) {
    let samples = [
        Value::Nil,
        Value::Boolean(true),
        Value::Integer(0),
        Value::Integer(-9_007_199_254_740_991),
        Value::Float(1.5),
        Value::Float(1e300),
        Value::string(""),
        Value::string("quotes \" \\ and \n\t\u{0}\u{1f}\u{7f} é 😀 \u{2028}"),
        Value::Vector(vec![]),
        Value::Map(vec![]),
        Value::Vector(vec![Value::Vector(vec![Value::Nil, Value::Map(vec![(Value::string("k"), Value::Nil)])])]),
    ];
    for sample in samples {
        for slot in [Value::Nil, Value::Integer(1), Value::string("3f1b2c")] {
            let message = codec.encode(&sample, &slot).expect("a plain value can be written");
            let packet = codec.decode(&message).expect("what was written can be read");
            assert_eq!((packet.payload, packet.slot), (sample.clone(), slot), "a plain value comes back");
            assert_eq!(matches!(message, Message::Text(_)), codec.form() == Form::Text, "a message has the form");
        }
    }
}

fn events_arrive_with_their_data(codec: &dyn Codec) {
    for event in events() {
        let message = request(codec, &event, &Value::Integer(7));
        let read = codec.decode_event(message.clone()).expect("an event can be read");
        let Received::Event { id, data, slot } = read else { panic!("an event was read as {read:?}") };
        assert_eq!((&id, slot), (&event.id, Value::Integer(7)), "an event keeps its id and slot");
        assert_eq!(data.is_some(), event.data.is_some(), "an event without data has none");
        let typed = deserialize::<Option<Data>>(codec, data.as_ref()).expect("data can be read into its type");
        let expected = event.data.map(|value| crate::value::from_value::<Data>(value).expect("its own type"));
        assert_eq!(typed, expected, "data read into a type is what was sent");
    }
}

fn joined_events_read_as_each_alone(codec: &dyn Codec) {
    let events = events();
    for count in 0..=events.len() {
        let some = &events[..count];
        let bodies: Vec<Bytes> = some.iter().map(|event| codec.encode_event(event).expect("can be written")).collect();
        let joined = codec.decode(&codec.join(&bodies)).expect("a batch can be read");
        assert_eq!(joined.slot, Value::Nil, "a batch answers nothing");
        let alone = some
            .iter()
            .map(|event| codec.decode(&request(codec, event, &Value::Nil)).expect("an event can be read").payload);
        assert_eq!(joined.payload, Value::Vector(alone.collect()), "a batch holds what each event alone says");
    }
}

fn bodies_hold_many_messages(codec: &dyn Codec) {
    let messages: Vec<Message> = events().iter().map(|event| request(codec, event, &Value::Nil)).collect();
    for count in 0..=messages.len() {
        let some = &messages[..count];
        let body = codec.concat(some);
        let alone: Result<Vec<_>, _> = some.iter().map(|message| codec.decode(message)).collect();
        assert_eq!(codec.decode_all(&body), alone, "a body holds its messages in order");
        let ids = |all: Vec<Received>| all.into_iter().map(id_of).collect::<Vec<_>>();
        let expected: Vec<_> = events()[..count].iter().map(|event| Some(event.id.clone())).collect();
        assert_eq!(codec.decode_events(&body).map(ids), Ok(expected), "a body holds its events in order");
    }
}

fn id_of(received: Received) -> Option<EventId> {
    match received {
        Received::Event { id, .. } => Some(id),
        Received::BadEvent { .. } => None,
    }
}

fn what_is_no_event_is_told_apart(codec: &dyn Codec) {
    let id = || Value::keyword("suite/id");
    let three = Value::Vector(vec![id(), Value::Nil, Value::Nil]);
    for payload in [Value::Nil, Value::Integer(1), Value::Vector(vec![]), Value::Vector(vec![Value::Nil]), three] {
        let message = codec.encode(&payload, &Value::string("slot")).expect("can be written");
        let read = codec.decode_event(message.clone()).expect("can be read");
        assert!(matches!(read, Received::BadEvent { .. }), "{payload:?} is no event, but was read as {read:?}");
        assert_eq!(read.slot(), &Value::string("slot"), "what is no event keeps its slot");
    }
}

fn the_wrong_form_is_refused(codec: &dyn Codec) {
    let bytes = request(codec, &events()[0], &Value::Nil).as_bytes().clone();
    let wrong = match codec.form() {
        Form::Text => Message::Binary(bytes),
        Form::Binary => Message::text("[[:suite/first] nil]"),
    };
    assert!(matches!(codec.decode(&wrong), Err(DecodeError::Form { .. })), "the other form is refused");
    assert!(matches!(codec.decode_event(wrong.clone()), Err(DecodeError::Form { .. })), "the other form is refused");
    assert!(matches!(codec.decode_all(&wrong), Err(DecodeError::Form { .. })), "the other form is refused");
    assert!(matches!(codec.decode_events(&wrong), Err(DecodeError::Form { .. })), "the other form is refused");
}

fn a_part_of_a_message_is_an_error(codec: &dyn Codec) {
    let message = request(codec, &events()[0], &Value::string("é"));
    for end in 0..message.len() {
        let part = message.as_bytes().slice(..end);
        let part = match codec.form() {
            Form::Binary => Message::Binary(part),
            Form::Text => match crate::message::Utf8Bytes::new(part) {
                Ok(text) => Message::Text(text),
                Err(_) => continue,
            },
        };
        assert!(codec.decode(&part).is_err(), "the first {end} bytes of a message are no message");
        assert!(codec.decode_event(part.clone()).is_err(), "the first {end} bytes of a message are no message");
    }
}

fn depth_is_an_error(codec: &dyn Codec) {
    let mut deep = Value::Nil;
    for _ in 0..1000 {
        deep = Value::Vector(vec![deep]);
    }
    if let Ok(message) = codec.encode(&deep, &Value::Nil) {
        assert!(matches!(codec.decode(&message), Err(DecodeError::Depth(_))), "1000 levels are refused somewhere");
    }
}
