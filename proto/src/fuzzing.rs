//! The bodies of the fuzz targets, so that tests can run them too. No part of the API.

use crate::codec::{Codec, Edn, Json, Older, Transit, edn, json, unabridged};
use crate::message::Message;
use crate::value::Value;
use std::sync::Arc;

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// Whatever EDN reads can be written, reads as the same again, and is the same through serde.
pub fn edn(data: &[u8]) {
    let Some(text) = text(data) else { return };
    unabridged::edn(text);
    let read = edn::read(text);
    let typed = edn::from_str::<Value>(text);
    let Ok(value) = read else { return };
    let written = edn::write(&value).expect("what was read can be written");
    assert_eq!(edn::read(&written).as_ref(), Ok(&value), "{written}");
    // A text of nothing is nil to `read`; serde has no form to start from.
    if value != Value::Nil {
        assert_eq!(typed.as_ref(), Ok(&value));
    }
}

/// Whatever JSON reads can be written, and reads as the same text again.
pub fn json(data: &[u8]) {
    let Some(text) = text(data) else { return };
    unabridged::json(text);
    let Ok(value) = json::read(text) else { return };
    let written = json::write(&value).expect("what was read can be written");
    // Integers beyond 2^53 become text once; from then on nothing changes.
    let again = json::read(&written).expect("what was written can be read");
    assert_eq!(json::write(&again).as_ref(), Ok(&written));
}

/// A client's message: both ways of reading it agree, and its data reads by itself.
pub fn packet(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let message = Message::text(text);
    for codec in [&Edn::new() as &dyn Codec, &Json::new()] {
        client_message(codec, &message);
    }
    let older = [Older::v1(Arc::new(Edn::new())), Older::v2(Arc::new(Transit::new()))];
    for codec in older.into_iter().flatten() {
        client_message(&codec, &message);
    }
}

fn client_message(codec: &dyn Codec, message: &Message) {
    let whole = codec.decode(message);
    let event = codec.decode_event(message.clone());
    assert_eq!(whole.is_ok(), event.is_ok(), "{whole:?} {event:?}");
    if let (Ok(packet), Ok(received)) = (whole, event) {
        assert_eq!(&packet.slot, received.slot());
        check_data(codec, &packet.payload, &received);
    }
    assert_eq!(codec.decode_all(message).is_ok(), codec.decode_events(message).is_ok());
}

fn check_data(codec: &dyn Codec, payload: &Value, received: &crate::Received) {
    let crate::Received::Event { data: Some(data), .. } = received else { return };
    let typed = crate::codec::deserialize::<Value>(codec, Some(data)).expect("data was checked");
    assert_eq!(payload.as_elements().and_then(|event| event.get(1)), Some(&typed));
}

/// A WebSocket's bytes: cut anywhere, they decode to the same, and nothing beyond the limit is kept.
pub fn websocket(data: &[u8]) {
    use crate::websocket::Role;
    let Some((first, stream)) = data.split_first() else { return };
    let role = if first & 1 == 0 { Role::Server } else { Role::Client };
    let whole = decode_in_pieces(role, stream, stream.len().max(1));
    let pieces = decode_in_pieces(role, stream, usize::from(first >> 1).max(1));
    assert_eq!(whole, pieces);
}

/// What a stream decodes to when it comes in pieces of so many bytes; the last entry says how it ended.
fn decode_in_pieces(role: crate::websocket::Role, stream: &[u8], piece: usize) -> Vec<String> {
    let mut decoder = crate::websocket::Decoder::new(role, 300);
    let mut told = Vec::new();
    for piece in stream.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(incoming)) => told.push(format!("{incoming:?}")),
                Ok(None) => break,
                Err(error) => {
                    told.push(error.to_string());
                    return told;
                }
            }
        }
    }
    told
}

/// A SockJS client's body or frame: whatever reads, comes back the same when it is sent.
pub fn sockjs(data: &[u8]) {
    use crate::framing::envelope::{Callback, Envelope, JsonpGuard};
    use crate::framing::sockjs::{MAX_MESSAGES, SockJsJoiner, encode, read, read_frame};
    use crate::session::Joiner;

    if let Ok(messages) = read(data) {
        assert!(messages.len() <= MAX_MESSAGES);
        let texts = messages.iter().filter_map(|message| std::str::from_utf8(message.as_bytes()).ok());
        let bodies: Vec<_> = texts.map(|text| encode(text).body).collect();
        let frame = SockJsJoiner.join(&bodies).payload();
        assert_eq!(read(&frame[1..]).as_ref(), Ok(&messages));
    }
    let Some(text) = text(data) else { return };
    let _ = read_frame(&Message::text(text));
    let frame = encode(text).frame.payload();
    let frame = std::str::from_utf8(&frame).expect("frames are text");
    let page = Envelope::HtmlFile.wrap(frame);
    assert_eq!(page.windows(2).filter(|pair| pair == b"</").count(), 1, "no message ends the script");
    if let Ok(callback) = Callback::new(text) {
        let script = Envelope::Jsonp(callback, JsonpGuard::Comment).wrap(frame);
        assert!(script.starts_with(b"/**/") && script.ends_with(b");\r\n"));
    }
}

/// Whatever MessagePack reads is the same through serde and, when it can be written, reads as the same again.
pub fn msgpack(data: &[u8]) {
    use crate::codec::{MessagePack, msgpack};

    let read = msgpack::read(data);
    assert_eq!(msgpack::from_slice::<Value>(data), read);
    if let Ok(value) = read {
        // Integers beyond 64 bits with a sign, and unknown extensions with a number of ours, are read but not written.
        if let Ok(written) = msgpack::write(&value) {
            assert_eq!(msgpack::read(&written).as_ref(), Ok(&value), "{written:x?}");
        }
    }
    client_message(&MessagePack::new(), &Message::Binary(data.to_vec().into()));
}

/// Whatever transit reads can be written in both forms, reads as the same again, and is the same through serde.
pub fn transit(data: &[u8]) {
    use crate::codec::transit::{self, Style};

    let Some(text) = text(data) else { return };
    let read = transit::read(text);
    assert_eq!(transit::from_str::<Value>(text), read);
    if let Ok(value) = read {
        for style in [Style::Json, Style::Verbose] {
            // What was read at the limit of depth may be written with a bracket more.
            if let Ok(written) = transit::write(&value, style) {
                assert_eq!(transit::read(&written).as_ref(), Ok(&value), "{written}");
            }
        }
    }
    client_message(&crate::codec::Transit::new(), &Message::text(text));
}

/// Whatever is inflated stays within the limit, and is understood as the inner codec's own message.
pub fn gzip(data: &[u8]) {
    use crate::codec::{DecodeError, Gzip};

    const LIMIT: usize = 10_000;
    let codec = Gzip::new(Edn::new()).max_inflated(LIMIT);
    let message = Message::Binary(data.to_vec().into());
    match codec.decode(&message) {
        Err(DecodeError::Size(limit)) => assert_eq!(limit, LIMIT),
        Ok(packet) => {
            let again = codec.encode(&packet.payload, &packet.slot).expect("what was read can be written");
            assert_eq!(Gzip::new(Edn::new()).decode(&again), Ok(packet));
        }
        Err(_) => {}
    }
    client_message(&codec, &message);
}
