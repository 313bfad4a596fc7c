//! What codecs with a cache for each message share.

use super::DecodeError;

/// How much text references into a cache may stand for. A reference takes a few bytes and a cached name may be as long as
/// the message, so that without a bound a hostile message would become its own length squared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expansion {
    left: usize,
    limit: usize,
}

impl Expansion {
    /// Of a message of so many bytes: 16 for each, and a megabyte. Honest messages stay below, unless nearly all of a large one is
    /// references to names of sixty bytes.
    pub(super) fn of(message: usize) -> Self {
        let limit = message.saturating_mul(16).saturating_add(1 << 20);
        Self { left: limit, limit }
    }

    /// A reference stands for so many bytes.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.left = self.left.checked_sub(bytes).ok_or(DecodeError::Size(self.limit))?;
        Ok(())
    }
}
