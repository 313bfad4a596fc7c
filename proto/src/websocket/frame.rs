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
        // Nearly always it lies there whole.
        if self.count == 0
            && let Some((header, length)) = Header::parse(input)?
        {
            super::take(input, length);
            return Ok(Some(header));
        }
        while let Some(byte) = input.first().copied() {
            super::take(input, 1);
            self.bytes[usize::from(self.count)] = byte;
            self.count += 1;
            if let Some((header, _)) = Header::parse(&self.bytes[..usize::from(self.count)])? {
                self.count = 0;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }
}

impl Header {
    /// The header at the front of `bytes` and how long it is, if it is there whole.
    fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        // The first two bytes are judged at once, so that a wrong one is answered before more of it comes.
        if first & 0x70 != 0 {
            return Err(ProtocolError::Reserved);
        }
        let opcode = Opcode::of(first & 0x0f)?;
        let (length, rest) = match second & 0x7f {
            126 => {
                let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from(u16::from_be_bytes(*length)), rest)
            }
            127 => {
                let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from_be_bytes(*length), rest)
            }
            short => (u64::from(short), rest),
        };
        let (mask, rest) = if second & 0x80 != 0 {
            let Some((mask, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (Some(*mask), rest)
        } else {
            (None, rest)
        };
        if length >> 63 != 0 {
            return Err(ProtocolError::Length);
        }
        Ok(Some((Self { last: first & 0x80 != 0, opcode, mask, length }, bytes.len() - rest.len())))
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
    for (index, byte) in chunks.into_remainder().iter_mut().enumerate() {
        *byte ^= mask[index % 4];
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

/// How many bytes [`put_header`] wrote without a mask.
pub(crate) fn read_server_header_length(wire: &[u8]) -> usize {
    match wire.get(1) {
        Some(127) => 10,
        Some(126) => 4,
        _ => 2,
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
