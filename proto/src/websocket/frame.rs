//! Frame headers (RFC 6455 section 5.2) and masking (section 5.3).

use super::ProtocolError;
use bytes::Bytes;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl Opcode {
    fn of(bits: u8) -> Result<Self, ProtocolError> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return Err(ProtocolError::Opcode),
        })
    }

    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A header that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) last: bool,
    pub(super) opcode: Opcode,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) length: u64,
}

/// Collects a header, which may come byte by byte. It has at most 14.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HeaderReader {
    bytes: [u8; 14],
    count: u8,
}

impl HeaderReader {
    /// The header at the front of `input`, once it is whole.
    pub(super) fn read(&mut self, input: &mut &mut [u8]) -> Result<Option<Header>, ProtocolError> {
        loop {
            let have = usize::from(self.count);
            let need = self.needed()?;
            if have == need {
                let header = self.parse()?;
                self.count = 0;
                return Ok(Some(header));
            }
            let step = super::take(input, (need - have).min(input.len()));
            if step.is_empty() {
                return Ok(None);
            }
            self.bytes[have..have + step.len()].copy_from_slice(step);
            // At most 14.
            self.count += step.len() as u8;
        }
    }

    /// How long the header is, as far as the bytes so far tell.
    fn needed(&self) -> Result<usize, ProtocolError> {
        if self.count < 2 {
            return Ok(2);
        }
        // The first two bytes are judged at once, so that a wrong one is answered before more of it comes.
        if self.bytes[0] & 0x70 != 0 {
            return Err(ProtocolError::Reserved);
        }
        Opcode::of(self.bytes[0] & 0x0f)?;
        let length = match self.bytes[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        Ok(2 + length + if self.bytes[1] & 0x80 != 0 { 4 } else { 0 })
    }

    fn parse(&self) -> Result<Header, ProtocolError> {
        let (length, rest) = match self.bytes[1] & 0x7f {
            126 => (u64::from(u16::from_be_bytes([self.bytes[2], self.bytes[3]])), 4),
            127 => {
                let mut length = [0; 8];
                length.copy_from_slice(&self.bytes[2..10]);
                (u64::from_be_bytes(length), 10)
            }
            short => (u64::from(short), 2),
        };
        if length >> 63 != 0 {
            return Err(ProtocolError::Length);
        }
        let mask = (self.bytes[1] & 0x80 != 0).then(|| {
            let mut mask = [0; 4];
            mask.copy_from_slice(&self.bytes[rest..rest + 4]);
            mask
        });
        Ok(Header { last: self.bytes[0] & 0x80 != 0, opcode: Opcode::of(self.bytes[0] & 0x0f)?, mask, length })
    }
}

/// Applies a mask to the part of a payload that begins `offset` bytes into it.
pub(super) fn unmask(payload: &mut [u8], mask: Option<[u8; 4]>, offset: usize) {
    let Some(mut mask) = mask else { return };
    mask.rotate_left(offset % 4);
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// Writes a header for a whole message or control frame.
pub(crate) fn put_header(wire: &mut Vec<u8>, opcode: u8, length: usize, mask: Option<[u8; 4]>) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match length {
        short @ 0..=125 => wire.extend_from_slice(&[0x80 | opcode, masked | short as u8]),
        medium @ 126..=0xffff => {
            wire.extend_from_slice(&[0x80 | opcode, masked | 126]);
            wire.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            wire.extend_from_slice(&[0x80 | opcode, masked | 127]);
            wire.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    if let Some(mask) = mask {
        wire.extend_from_slice(&mask);
    }
}

/// How many bytes [`put_header`] writes without a mask.
pub(crate) fn server_header_length(length: usize) -> usize {
    match length {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    }
}

/// A client's frame: one whole message or control frame, masked. `mask` must be unpredictable (RFC 6455 section 5.3).
#[must_use]
pub fn client_frame(opcode: u8, payload: &[u8], mask: [u8; 4]) -> Bytes {
    let mut wire = Vec::with_capacity(server_header_length(payload.len()) + mask.len() + payload.len());
    put_header(&mut wire, opcode & 0x0f, payload.len(), Some(mask));
    let start = wire.len();
    wire.extend_from_slice(payload);
    unmask(&mut wire[start..], Some(mask), 0);
    Bytes::from(wire)
}
