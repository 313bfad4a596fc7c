//! The envelopes of older Sente, byte for byte (sente.md sections 1 and 18).

use std::sync::Arc;
use tsugi_proto::codec::edn;
use tsugi_proto::codec::{Codec, DecodeError, Edn, Json, MessagePack, Older, Transit};
use tsugi_proto::{Encoded, Event, Message, Received, Value};

fn v1() -> Older {
    Older::v1(Arc::new(Edn::new())).unwrap()
}

fn v2() -> Older {
    Older::v2(Arc::new(Edn::new())).unwrap()
}

fn word(name: &str) -> Value {
    Value::keyword(name)
}

fn text(message: &Message) -> &str {
    match message {
        Message::Text(text) => text.as_str(),
        Message::Binary(_) => panic!("text was expected"),
    }
}

/// What a codec writes: a word, a reply in a slot, a nil reply in a slot, nothing, and two events.
fn written(codec: &dyn Codec) -> Vec<String> {
    let slot = Value::string("3f1b2c");
    let events: Vec<_> = [Event::new("srv/n", &0), Event::new("srv/n", &1)]
        .map(|event| codec.encode_event(&event.unwrap()).unwrap())
        .into();
    let messages = [
        codec.encode(&word("chsk/dummy-cb-200"), &Value::Nil).unwrap(),
        codec.encode(&Value::string("pong"), &slot).unwrap(),
        codec.encode(&Value::Nil, &slot).unwrap(),
        codec.join(&[]),
        codec.join(&events),
    ];
    messages.iter().map(|message| text(message).to_owned()).collect()
}

#[test]
fn each_version_writes_what_its_clients_read() {
    let wanted =
        ["-:chsk/dummy-cb-200", "+[\"pong\" \"3f1b2c\"]", "+[nil \"3f1b2c\"]", "-[]", "-[[:srv/n 0] [:srv/n 1]]"];
    assert_eq!(written(&v1()), wanted);
    let wanted =
        ["[:chsk/dummy-cb-200]", "[\"pong\" \"3f1b2c\"]", "[nil \"3f1b2c\"]", "[[]]", "[[[:srv/n 0] [:srv/n 1]]]"];
    assert_eq!(written(&v2()), wanted);
}

#[test]
fn transit_keeps_its_codes_across_a_batch_in_either_envelope() {
    let v1 = Older::v1(Arc::new(Transit::new())).unwrap();
    let wanted = [
        "-\"~:chsk/dummy-cb-200\"",
        "+[\"pong\",\"3f1b2c\"]",
        "+[null,\"3f1b2c\"]",
        "-[]",
        "-[[\"~:srv/n\",0],[\"^0\",1]]",
    ];
    assert_eq!(written(&v1), wanted);
    let v2 = Older::v2(Arc::new(Transit::new())).unwrap();
    assert_eq!(written(&v2)[4], "[[[\"~:srv/n\",0],[\"^0\",1]]]");
}

#[test]
fn what_clients_of_any_version_send_is_read() {
    for codec in [v1(), v2()] {
        for (sent, slot, data) in [
            ("+[[:a/b 1]]", Value::Nil, "1"),
            ("+[[:a/b 1] \"3f1b2c\"]", Value::string("3f1b2c"), "1"),
            ("+[[:a/b {:c 2}] 0]", Value::Integer(0), "{:c 2}"),
            ("[[:a/b 1]]", Value::Nil, "1"),
            ("[[:a/b 1] :ajax]", word("ajax"), "1"),
            ("-[:a/b 1]", Value::Nil, "1"),
        ] {
            let received = codec.decode_event(Message::text(sent)).unwrap();
            let Received::Event { id, data: encoded, slot: got } = received else { panic!("{sent} is an event") };
            assert_eq!(
                (id.as_str(), encoded.as_ref().and_then(Encoded::as_str), got),
                ("a/b", Some(data), slot),
                "{sent}"
            );
            let payload = codec.decode(&Message::text(sent)).unwrap().payload;
            assert_eq!(edn::write(&payload).unwrap(), format!("[:a/b {data}]"), "{sent}");
        }
    }
}

#[test]
fn broken_input_is_an_error_at_every_byte() {
    for whole in ["+[[:a/b 1] \"3f1b2c\"]", "-[:a/b 1]", "[[:a/b 1] nil]"] {
        for end in 0..whole.len() {
            let cut = &whole[..end];
            // A `-` stands for an empty packet.
            assert!(v1().decode_event(Message::text(cut)).is_err(), "{cut:?}");
        }
    }
    let binary = Message::binary(vec![0x92, 0x90, 0xc0]);
    assert!(matches!(v1().decode_event(binary), Err(DecodeError::Form { .. })));
}

#[test]
fn only_text_can_be_put_into_an_older_envelope() {
    assert!(Older::v1(Arc::new(MessagePack::new())).is_none());
    assert!(Older::v2(Arc::new(Json::new())).is_some());
}

#[test]
fn the_first_byte_tells_a_client_of_1_0_to_1_17() {
    assert!(Older::is_v1(&Message::text("+[[:a/b]]")));
    for other in
        [Message::text("[[:a/b] nil]"), Message::text("-[]"), Message::text(""), Message::binary(b"+".to_vec())]
    {
        assert!(!Older::is_v1(&other));
    }
}
