//! SockJS framing: what goes out byte for byte, and what comes in however it is written (sockjs.md 4, 8–11).

use proptest::prelude::*;
use tsugi_proto::framing::envelope::{
    Callback, CallbackError, Envelope, JsonpGuard, htmlfile_prelude, streaming_prelude,
};
use tsugi_proto::framing::sockjs::{self, MAX_MESSAGES, ReadError, SockJsJoiner};
use tsugi_proto::session::Joiner;
use tsugi_proto::{Close, CloseCode, Frame, Message};

fn text(frame: &Frame) -> String {
    String::from_utf8(frame.payload().to_vec()).expect("SockJS frames are text")
}

fn quoted(message: &str) -> String {
    let frame = text(&sockjs::encode(message).frame);
    frame.strip_prefix("a[").and_then(|rest| rest.strip_suffix(']')).expect("one message").to_owned()
}

#[test]
fn frames_are_those_of_the_protocol() {
    assert_eq!(text(&sockjs::open()), "o");
    assert_eq!(text(&sockjs::heartbeat()), "h");
    assert_eq!(text(&sockjs::close(&Close::because(CloseCode::received(3000), "Go away!"))), r#"c[3000,"Go away!"]"#);
    assert_eq!(text(&sockjs::close(&Close::because(CloseCode::NORMAL, ""))), r#"c[1000,"Normal closure"]"#);
    assert_eq!(
        text(&sockjs::close(&Close::because(CloseCode::received(3000), "\"\u{2028}"))),
        "c[3000,\"\\\"\\u2028\"]"
    );
}

#[test]
fn what_waits_together_is_one_frame() {
    let bodies = ["a", "b\"", ""].map(|message| sockjs::encode(message).body);
    assert_eq!(text(&SockJsJoiner.join(&bodies)), r#"a["a","b\"",""]"#);
    assert_eq!(SockJsJoiner.join(&bodies[..1]), sockjs::encode("a").frame);
}

#[test]
fn characters_that_get_lost_on_the_way_are_escaped() {
    assert_eq!(quoted("\0\u{1}\u{8}\t\n\u{c}\r\"\\/\u{7f}"), "\"\\u0000\\u0001\\b\\t\\n\\f\\r\\\"\\\\/\u{7f}\"");
    for range in [0x200c..=0x200f, 0x2028..=0x202f, 0x2060..=0x206f, 0xfff0..=0xffff_u32] {
        for c in range.filter_map(char::from_u32) {
            assert_eq!(quoted(&c.to_string()), format!("\"\\u{:04x}\"", c as u32));
        }
    }
    assert_eq!(quoted("\u{1f600}"), "\"\\ud83d\\ude00\"");
    for plain in ["ä", "\u{200b}", "\u{2010}", "\u{2030}", "漢字", "\u{ffef}"] {
        assert_eq!(quoted(plain), format!("\"{plain}\""));
    }
}

#[test]
fn a_body_is_an_array_of_strings_or_says_why_not() {
    let read = |body: &str| sockjs::read(body.as_bytes());
    assert_eq!(read(r#" [ "a" , "\u00e9\ud83d\ude00" ] "#), Ok(vec!["a".into(), "é😀".into()]));
    assert_eq!(read("[]"), Ok(vec![]));
    for empty in ["", "null", "{}", "\"x\"", "5", " true "] {
        assert_eq!(read(empty), Err(ReadError::Empty), "{empty}");
    }
    for broken in ["[", "[\"a\"", "x", "[\"a\"]x", "{\"a\"", "[\"\\x\"]", "[1]", "[null]", "[[\"a\"]]", "[\"a\",{}]"] {
        assert_eq!(read(broken), Err(ReadError::Broken), "{broken}");
    }
    assert_eq!(sockjs::read(b"[\"\xff\"]"), Err(ReadError::Broken));
    assert_eq!(read(&"[".repeat(100_000)), Err(ReadError::Broken));
}

#[test]
fn an_unpaired_surrogate_becomes_one_replacement_character() {
    let read = |body: &str| sockjs::read(body.as_bytes()).map(|messages| messages[0].clone());
    assert_eq!(read(r#"["a\ud800b"]"#), Ok("a\u{fffd}b".into()));
    assert_eq!(read(r#"["\udc00\ud800"]"#), Ok("\u{fffd}\u{fffd}".into()));
}

#[test]
fn a_body_of_countless_messages_is_refused() {
    let body = |count: usize| format!("[{}]", vec!["\"\""; count].join(","));
    assert_eq!(sockjs::read(body(MAX_MESSAGES).as_bytes()).map(|messages| messages.len()), Ok(MAX_MESSAGES));
    assert_eq!(sockjs::read(body(MAX_MESSAGES + 1).as_bytes()), Err(ReadError::TooMany));
}

#[test]
fn a_websocket_frame_may_be_one_string_or_nothing() {
    let read = |frame: &str| sockjs::read_frame(&Message::text(frame));
    assert_eq!(read(""), Ok(vec![]));
    assert_eq!(read("[]"), Ok(vec![]));
    assert_eq!(read("\"one\""), Ok(vec!["one".into()]));
    assert_eq!(read("[\"one\",\"two\"]"), Ok(vec!["one".into(), "two".into()]));
    assert_eq!(read("[\"one"), Err(ReadError::Broken));
    assert_eq!(sockjs::read_frame(&Message::binary(b"[]".to_vec())), Err(ReadError::Broken));
}

#[test]
fn envelopes_are_those_of_their_transports() {
    let callback = Callback::new("_jp.a0").expect("a name");
    let frame = "a[\"x%\\u0000</script>\"]";
    assert_eq!(Envelope::Line.wrap(frame), format!("{frame}\n"));
    assert_eq!(Envelope::EventSource.wrap(frame), "data: a[\"x%25\\u0000</script>\"]\r\n\r\n");
    assert_eq!(
        Envelope::HtmlFile.wrap(frame),
        "<script>\np(\"a[\\\"x%\\\\u0000\\u003c/script>\\\"]\");\n</script>\r\n"
    );
    assert_eq!(Envelope::Jsonp(callback.clone(), JsonpGuard::Comment).wrap("o"), "/**/_jp.a0(\"o\");\r\n");
    assert_eq!(Envelope::Jsonp(callback, JsonpGuard::Bare).wrap("o"), "_jp.a0(\"o\");\r\n");
}

#[test]
fn preludes_get_past_old_buffers() {
    assert_eq!(streaming_prelude(), "h".repeat(2048) + "\n");
    let page = htmlfile_prelude(&Callback::new("cb").expect("a name"));
    assert_eq!(page.len(), 1_029);
    assert!(page.ends_with(b" \r\n\r\n"));
    assert!(page.starts_with(b"<!doctype html>\n<html><head>\n"));
}

#[test]
fn a_callback_is_a_short_name() {
    for bad in ["", "abc(", "a*", "a b", "alert(1)//", &"x".repeat(33)] {
        assert_eq!(Callback::new(bad), Err(CallbackError::Invalid), "{bad}");
    }
    assert_eq!(Callback::new(&"x".repeat(32)).map(|name| name.as_str().len()), Ok(32));
}

proptest! {
    #[test]
    fn every_text_comes_back(messages in prop::collection::vec(any::<String>(), 0..8)) {
        let bodies: Vec<_> = messages.iter().map(|message| sockjs::encode(message).body).collect();
        let frame = text(&SockJsJoiner.join(&bodies));
        let read = sockjs::read(frame.strip_prefix('a').unwrap_or_default().as_bytes());
        prop_assert_eq!(read, Ok(messages.into_iter().map(Message::from).collect()));
    }

    #[test]
    fn whatever_is_posted_is_messages_or_an_error(body in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = sockjs::read(&body);
    }
}
