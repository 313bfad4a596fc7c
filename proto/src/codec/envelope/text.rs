//! Writing packets as text.

use super::Format;
use crate::codec::EncodeError;
use crate::framing::Frame;
use crate::message::{Message, Utf8Bytes};
use crate::value::Value;
use bytes::Bytes;

/// What most messages take at most, in bytes.
pub(in crate::codec) const USUAL: usize = 128;

/// What distinguishes one text codec from another when it writes.
pub(in crate::codec) trait Text: Format {
    /// Between `[`, the elements and `]` of a packet.
    const BETWEEN: &'static str;
    const NIL: &'static str;

    fn write(&self, value: &Value, out: &mut String) -> Result<(), EncodeError>;
}

pub(in crate::codec) fn encode<C: Text>(codec: &C, payload: &Value, slot: &Value) -> Result<Message, EncodeError> {
    packet(codec, payload, slot).map(Message::text)
}

/// The same as a frame, into which it is copied from memory that is given back.
pub(in crate::codec) fn frame<C: Text>(codec: &C, payload: &Value, slot: &Value) -> Result<Frame, EncodeError> {
    packet(codec, payload, slot).map(|text| Frame::text(text.as_bytes()))
}

fn packet<C: Text>(codec: &C, payload: &Value, slot: &Value) -> Result<String, EncodeError> {
    let mut out = String::with_capacity(USUAL);
    out.push('[');
    codec.write(payload, &mut out)?;
    out.push_str(C::BETWEEN);
    codec.write(slot, &mut out)?;
    out.push(']');
    Ok(out)
}

/// `[[event …] nil]`.
pub(in crate::codec) fn join<C: Text>(events: &[Bytes]) -> Message {
    let mut out = Vec::with_capacity(8 + events.iter().map(|event| event.len() + 1).sum::<usize>());
    out.extend_from_slice(b"[[");
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(C::BETWEEN.as_bytes());
        }
        out.extend_from_slice(event);
    }
    out.push(b']');
    out.extend_from_slice(C::BETWEEN.as_bytes());
    out.extend_from_slice(C::NIL.as_bytes());
    out.push(b']');
    // Bytes that no codec of ours made and that are not UTF-8 are a caller's mistake; they must not reach a text frame.
    match Utf8Bytes::new(Bytes::from(out)) {
        Ok(text) => Message::Text(text),
        Err(_) => join::<C>(&[]),
    }
}
