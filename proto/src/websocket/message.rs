//! Messages out of fragments, their text checked as it comes (RFC 6455 sections 5.4 and 8.1).

use super::ProtocolError;
use super::frame::Opcode;
use crate::message::{Message, Utf8Bytes};
use bytes::{Bytes, BytesMut};

/// A message under way.
#[derive(Debug)]
pub(super) struct Assembly {
    text: bool,
    bytes: BytesMut,
    /// How much of a text is known to be UTF-8. The rest is the beginning of one character.
    checked: usize,
}

impl Assembly {
    pub(super) fn new(opcode: Opcode) -> Self {
        Self { text: opcode == Opcode::Text, bytes: BytesMut::new(), checked: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a piece. Text that can no longer become UTF-8 is refused at once, not at its end.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), ProtocolError> {
        self.bytes.extend_from_slice(piece);
        if self.text {
            match simdutf8::compat::from_utf8(&self.bytes[self.checked..]) {
                Ok(_) => self.checked = self.bytes.len(),
                Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
                Err(_) => return Err(ProtocolError::Utf8),
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Message, ProtocolError> {
        if !self.text {
            return Ok(Message::Binary(self.bytes.freeze()));
        }
        if self.checked < self.bytes.len() {
            return Err(ProtocolError::Utf8);
        }
        text(self.bytes.freeze())
    }
}

/// A text message.
pub(super) fn text(bytes: Bytes) -> Result<Message, ProtocolError> {
    Utf8Bytes::new(bytes).map(Message::Text).map_err(|_| ProtocolError::Utf8)
}
