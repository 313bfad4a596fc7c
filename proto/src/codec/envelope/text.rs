//! Writing packets as text.

use super::Format;
use super::direct::Direct;
use crate::codec::{EncodeError, value_of};
use crate::framing::Frame;
use crate::message::{Message, Utf8Bytes};
use crate::value::Value;
use bytes::Bytes;
use serde::Serialize;
use std::cell::Cell;

/// What most messages take at most, in bytes.
pub(in crate::codec) const USUAL: usize = 128;

/// What distinguishes one text codec from another when it writes.
pub(in crate::codec) trait Text: Format {
    /// Between `[`, the elements and `]` of a packet.
    const BETWEEN: &'static str;
    const NIL: &'static str;
    /// Between the entries of a map.
    const BETWEEN_ENTRIES: &'static str;
    /// Between a key and its value.
    const KEY_AND_VALUE: &'static str;

    /// How many levels of collections data may have.
    fn depth(&self) -> usize;

    fn write(&self, value: &Value, out: &mut String) -> Result<(), EncodeError>;

    /// As [`Value::String`] is written.
    fn write_string(text: &str, out: &mut String);

    /// As [`Value::Keyword`] is written.
    fn write_keyword(name: &str, out: &mut String) -> Result<(), EncodeError>;
}

thread_local! {
    /// Where packets are written before they are copied into frames that are exactly as long as they get.
    static SCRATCH: Cell<String> = const { Cell::new(String::new()) };
}

/// A longer scratch buffer is given back.
const SCRATCH_BYTES: usize = 16 * 1024;

pub(in crate::codec) fn encode<C: Text>(codec: &C, payload: &Value, slot: &Value) -> Result<Message, EncodeError> {
    let mut out = String::with_capacity(USUAL);
    packet(codec, payload, slot, &mut out)?;
    Ok(Message::text(out))
}

/// The same as a frame.
pub(in crate::codec) fn frame<C: Text>(codec: &C, payload: &Value, slot: &Value) -> Result<Frame, EncodeError> {
    in_scratch(|out| packet(codec, payload, slot, out))
}

/// The same of a type.
pub(in crate::codec) fn frame_of<C: Text, T: Serialize + ?Sized>(
    codec: &C,
    data: &T,
    slot: &Value,
) -> Result<Frame, EncodeError> {
    in_scratch(|out| {
        out.push('[');
        if data.serialize(Direct::new(codec, out)).is_err() {
            out.truncate(1);
            codec.write(&value_of(C::NAME, data)?, out)?;
        }
        end(codec, slot, out)
    })
}

fn in_scratch(write: impl FnOnce(&mut String) -> Result<(), EncodeError>) -> Result<Frame, EncodeError> {
    let mut out = SCRATCH.take();
    out.clear();
    let frame = write(&mut out).map(|()| Frame::text(out.as_bytes()));
    if out.capacity() <= SCRATCH_BYTES {
        SCRATCH.set(out);
    }
    frame
}

fn packet<C: Text>(codec: &C, payload: &Value, slot: &Value, out: &mut String) -> Result<(), EncodeError> {
    out.push('[');
    codec.write(payload, out)?;
    end(codec, slot, out)
}

fn end<C: Text>(codec: &C, slot: &Value, out: &mut String) -> Result<(), EncodeError> {
    out.push_str(C::BETWEEN);
    codec.write(slot, out)?;
    out.push(']');
    Ok(())
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
