//! RFC 6455, rule by rule; the cases that the Autobahn suite asks are among them.

use proptest::prelude::*;
use tsugi_proto::websocket::{Decoder, Incoming, ProtocolError, Role, accept_key, client_frame};
use tsugi_proto::{Close, CloseCode, Frame, Message};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn server() -> Decoder {
    Decoder::new(Role::Server, 1 << 20)
}

/// All that a stream decodes to, read in pieces of `piece` bytes.
fn decode(decoder: &mut Decoder, stream: &[u8], piece: usize) -> Result<Vec<Incoming>, ProtocolError> {
    let mut all = Vec::new();
    for piece in stream.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        while let Some(incoming) = decoder.decode(&mut input)? {
            all.push(incoming);
        }
        assert!(input.is_empty(), "everything is taken before the decoder asks for more");
    }
    Ok(all)
}

/// A client's frame with any first byte.
fn raw(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = client_frame(0x1, payload, MASK).to_vec();
    frame[0] = first;
    frame
}

fn fails_with(stream: &[u8], expected: ProtocolError) {
    for piece in [1, 2, 7, stream.len()] {
        assert_eq!(decode(&mut server(), stream, piece), Err(expected), "in pieces of {piece}");
    }
}

#[test]
fn the_accept_key_is_that_of_the_standard() {
    assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn an_idle_decoder_is_small() {
    assert!(size_of::<Decoder>() <= 48, "{}", size_of::<Decoder>());
}

#[test]
fn every_length_form_arrives_in_any_pieces() {
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536] {
        let text = "x".repeat(length);
        let stream = client_frame(0x1, text.as_bytes(), MASK);
        for piece in [1, 997, stream.len()] {
            let all = decode(&mut server(), &stream, piece).unwrap();
            assert_eq!(all, [Incoming::Message(Message::text(text.as_str()))], "{length} in pieces of {piece}");
        }
    }
}

#[test]
fn a_length_need_not_be_written_in_the_fewest_bytes() {
    let stream = [0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 9];
    assert_eq!(decode(&mut server(), &stream, 3).unwrap(), [Incoming::Message(Message::binary(vec![9]))]);
}

#[test]
fn fragments_are_one_message_and_control_frames_may_come_between() {
    let mut stream = raw(0x01, "ha".as_bytes());
    stream.extend(raw(0x89, b"ping"));
    stream.extend(raw(0x00, "ll".as_bytes()));
    stream.extend(raw(0x8a, b"pong"));
    stream.extend(raw(0x80, "o".as_bytes()));
    let expected =
        [Incoming::Ping("ping".into()), Incoming::Pong("pong".into()), Incoming::Message(Message::text("hallo"))];
    for piece in 1..=stream.len() {
        assert_eq!(decode(&mut server(), &stream, piece).unwrap(), expected, "in pieces of {piece}");
    }
}

#[test]
fn an_empty_fragmented_message_is_a_message() {
    let stream = [raw(0x01, b""), raw(0x00, b""), raw(0x80, b"")].concat();
    assert_eq!(decode(&mut server(), &stream, 5).unwrap(), [Incoming::Message(Message::text(""))]);
}

#[test]
fn what_the_standard_forbids_is_refused() {
    for reserved in [0xc1, 0xa1, 0x91] {
        fails_with(&raw(reserved, b"x"), ProtocolError::Reserved);
    }
    for opcode in [0x83, 0x84, 0x85, 0x86, 0x87, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f] {
        fails_with(&raw(opcode, b"x"), ProtocolError::Opcode);
    }
    fails_with(&raw(0x80, b"x"), ProtocolError::Fragmentation);
    fails_with(&[raw(0x01, b"a"), raw(0x81, b"b")].concat(), ProtocolError::Fragmentation);
    fails_with(&raw(0x09, b"x"), ProtocolError::Control);
    fails_with(&raw(0x89, &[0; 126]), ProtocolError::Control);
    fails_with(Frame::message(&Message::text("x")).wire(), ProtocolError::Mask);
    fails_with(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], ProtocolError::Length);
}

#[test]
fn a_client_refuses_masked_frames() {
    let mut client = Decoder::new(Role::Client, 100);
    assert_eq!(decode(&mut client, &client_frame(0x1, b"x", MASK), 4), Err(ProtocolError::Mask));
}

#[test]
fn a_huge_length_is_refused_before_anything_is_kept() {
    let mut decoder = Decoder::new(Role::Server, 1_000);
    let header = [0x82, 0xff, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(decode(&mut decoder, &header, 20), Err(ProtocolError::TooLarge));
    assert_eq!(ProtocolError::TooLarge.close().code, CloseCode::TOO_LARGE);
    let fragments = [raw(0x01, &[b'x'; 600]), raw(0x80, &[b'x'; 600])].concat();
    assert_eq!(decode(&mut Decoder::new(Role::Server, 1_000), &fragments, 64), Err(ProtocolError::TooLarge));
}

#[test]
fn closes_are_read_with_their_code_and_reason() {
    let close = |payload: &[u8]| decode(&mut server(), &raw(0x88, payload), 3);
    assert_eq!(close(b"").unwrap(), [Incoming::Close(None)]);
    let bye = Close::new(CloseCode::new(4001).unwrap(), "bye").unwrap();
    assert_eq!(close(b"\x0f\xa1bye").unwrap(), [Incoming::Close(Some(bye))]);
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999_u16] {
        assert!(close(&code.to_be_bytes()).is_ok(), "{code}");
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535_u16] {
        assert_eq!(close(&code.to_be_bytes()), Err(ProtocolError::Close), "{code}");
    }
    assert_eq!(close(b"\x03"), Err(ProtocolError::Close));
    assert_eq!(close(b"\x03\xe8\xff"), Err(ProtocolError::Utf8));
}

#[test]
fn nothing_is_decoded_after_a_close() {
    let stream = [raw(0x88, b"\x03\xe8"), raw(0x81, b"late"), vec![0xff; 40]].concat();
    assert_eq!(decode(&mut server(), &stream, 100).unwrap().len(), 1);
}

#[test]
fn text_that_is_not_utf8_is_refused_as_soon_as_it_cannot_become_so() {
    for bad in
        [&b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"[..], b"\xff", b"\xc0\xaf", b"\xf4\x90\x80\x80"]
    {
        fails_with(&raw(0x81, bad), ProtocolError::Utf8);
    }
    // The frame never ends, yet the fourth byte settles it (Autobahn 6.4).
    let mut stream = raw(0x81, &[b"\xf4\x90\x80\x80".as_slice(), &[b'x'; 100]].concat());
    stream.truncate(6 + 4);
    assert_eq!(decode(&mut server(), &stream, 1), Err(ProtocolError::Utf8));
    // A character cut between two fragments is fine; one cut at the end of the message is not.
    let good = [raw(0x01, b"\xc3"), raw(0x80, b"\xa9")].concat();
    assert_eq!(decode(&mut server(), &good, 2).unwrap(), [Incoming::Message(Message::text("é"))]);
    fails_with(&[raw(0x01, b"\xc3"), raw(0x80, b"")].concat(), ProtocolError::Utf8);
}

#[derive(Clone, Debug)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Fragments(Vec<Vec<u8>>),
}

fn said() -> impl Strategy<Value = Said> {
    let bytes = |most| proptest::collection::vec(any::<u8>(), 0..most);
    prop_oneof![
        any::<String>().prop_map(Said::Text),
        bytes(70_000).prop_map(Said::Binary),
        bytes(126).prop_map(Said::Ping),
        proptest::collection::vec(bytes(300), 1..5).prop_map(Said::Fragments),
    ]
}

fn stream_of(said: &Said, mask: [u8; 4]) -> (Vec<u8>, Incoming) {
    match said {
        Said::Text(text) => {
            (client_frame(0x1, text.as_bytes(), mask).to_vec(), Incoming::Message(Message::text(text.as_str())))
        }
        Said::Binary(bytes) => {
            (client_frame(0x2, bytes, mask).to_vec(), Incoming::Message(Message::binary(bytes.clone())))
        }
        Said::Ping(bytes) => (client_frame(0x9, bytes, mask).to_vec(), Incoming::Ping(bytes.clone().into())),
        Said::Fragments(parts) => {
            let mut stream = Vec::new();
            for (index, part) in parts.iter().enumerate() {
                let mut frame = client_frame(if index == 0 { 0x2 } else { 0x0 }, part, mask).to_vec();
                if index + 1 < parts.len() {
                    frame[0] &= 0x7f;
                }
                stream.extend(frame);
            }
            (stream, Incoming::Message(Message::binary(parts.concat())))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_a_client_says_arrives_however_it_is_cut(
        all in proptest::collection::vec((said(), any::<[u8; 4]>()), 1..6),
        piece in 1_usize..5_000,
    ) {
        let (streams, expected): (Vec<_>, Vec<_>) = all.iter().map(|(said, mask)| stream_of(said, *mask)).unzip();
        prop_assert_eq!(decode(&mut server(), &streams.concat(), piece).unwrap(), expected);
    }

    #[test]
    fn what_a_server_frames_its_client_reads(text in any::<String>(), piece in 1_usize..50) {
        let frame = Frame::message(&Message::text(text.as_str()));
        let mut client = Decoder::new(Role::Client, 1 << 20);
        prop_assert_eq!(decode(&mut client, frame.wire(), piece).unwrap(), vec![Incoming::Message(Message::text(text))]);
    }
}
