//! Events that were written each with its own cache of keys, as one message with one.

use super::extension;
use super::lexer::Lexer;
use super::writer::{Keys, Kind, Writer, set_header};
use crate::codec::DecodeError;
use crate::message::Message;
use crate::value::token::{Shape, Source, Token};
use bytes::Bytes;
use std::borrow::Cow;

/// `[[event …] nil]`. One event is copied as it stands: nothing before it in the message is a key.
pub(super) fn join(events: &[Bytes]) -> Message {
    let mut writer = Writer::default();
    let counted = writer.array(2).and_then(|()| writer.array(events.len()));
    let mut out = writer.out;
    out.reserve(events.iter().map(Bytes::len).sum::<usize>() + 1);
    let written = match events {
        [event] => {
            out.extend_from_slice(event);
            Ok(())
        }
        _ => {
            let mut keys = Keys::default();
            events.iter().try_for_each(|event| recode(event, &mut keys, &mut out))
        }
    };
    // What no codec of ours encoded is a caller's mistake; half of it must not reach a frame.
    if counted.is_err() || written.is_err() {
        return join(&[]);
    }
    out.push(NIL);
    Message::binary(out)
}

const NIL: u8 = 0xc0;

/// Copies an event, referring to the keys of the whole message instead of its own.
fn recode<'e>(event: &'e [u8], keys: &mut Keys<'e>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut lexer = Lexer::new(event, usize::MAX);
    // For each open collection that is a set, where its content begins: the header that goes before may change.
    let mut sets = Vec::new();
    loop {
        let is_key = lexer.at_key();
        let token = lexer.next()?;
        let written = &event[lexer.start()..lexer.end()];
        match token {
            Token::End => return Ok(()),
            Token::Close => {
                if let Some(start) = sets.pop().flatten() {
                    let header = set_header(out.len() - start).map_err(|_| DecodeError::Envelope)?;
                    out.splice(start..start, header);
                }
            }
            Token::Open(Shape::Set) => {
                sets.push(Some(out.len()));
                let count = u32::try_from(lexer.left()).map_err(|_| DecodeError::Envelope)?;
                _ = rmp::encode::write_array_len(out, count);
            }
            Token::Open(_) => {
                sets.push(None);
                out.extend_from_slice(written);
            }
            Token::Keyword(Cow::Borrowed(name)) if is_key => {
                key(keys.find(Kind::Keyword, name), name, Kind::Keyword, out)
            }
            Token::String(Cow::Borrowed(text)) if is_key => key(keys.find(Kind::String, text), text, Kind::String, out),
            _ => out.extend_from_slice(written),
        }
    }
}

fn key(known: Option<u8>, name: &str, kind: Kind, out: &mut Vec<u8>) {
    // Lengths were 32 bits when they were written the first time.
    let length = name.len() as u32;
    match (known, kind) {
        (Some(index), _) => {
            _ = rmp::encode::write_ext_meta(out, 1, extension::KEY);
            out.push(index);
        }
        (None, Kind::Keyword) => {
            _ = rmp::encode::write_ext_meta(out, length, extension::KEYWORD);
            out.extend_from_slice(name.as_bytes());
        }
        (None, Kind::String) => {
            _ = rmp::encode::write_str_len(out, length);
            out.extend_from_slice(name.as_bytes());
        }
    }
}
