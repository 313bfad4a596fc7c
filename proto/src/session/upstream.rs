//! What of a client's outbox has come, been handled and been answered: docs/wire.md, "The outbox".

use crate::framing::Frame;
use std::collections::VecDeque;

/// Replies that no session could deliver are kept up to this many, and about this many bytes; then the oldest go.
const MAX_REPLIES: usize = 1_000;
const MAX_REPLY_BYTES: usize = 1024 * 1024;

/// Whether an item of an outbox is to be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// For the first time: handle it, then say [`Upstream::finish`].
    New,
    /// It came before, by another carrier or session. Its reply is on its way, or will be.
    Again,
}

/// The server's end of one outbox. Its items carry numbers that only grow and may skip, and every carrier brings all that
/// the server has not taken, in order. So whatever is not above the last one taken has come before.
#[derive(Debug, Default)]
pub struct Upstream {
    taken: u64,
    /// Taken, and not handled yet, in order: most often one or none.
    running: VecDeque<u64>,
    /// What sessions that ended could not deliver, oldest first.
    replies: VecDeque<(u64, Frame)>,
    reply_bytes: usize,
}

impl Upstream {
    /// An item came.
    pub fn arrive(&mut self, number: u64) -> Arrival {
        if number <= self.taken {
            return Arrival::Again;
        }
        self.taken = number;
        self.running.push_back(number);
        Arrival::New
    }

    /// An item was handled, and answered if it wanted an answer. Whether it was still to be.
    pub fn finish(&mut self, number: u64) -> bool {
        let place = self.running.binary_search(&number).ok();
        place.and_then(|place| self.running.remove(place)).is_some()
    }

    /// The last item that was taken: the client need not bring it, or any before it, again.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Everything up to this one was handled: the client may forget it.
    #[must_use]
    pub fn handled(&self) -> u64 {
        self.running.front().map_or(self.taken, |first| first - 1)
    }

    /// Keeps a reply for the session that the client comes back with.
    pub fn keep(&mut self, number: u64, reply: Frame) {
        self.reply_bytes += reply.len();
        self.replies.push_back((number, reply));
        while self.replies.len() > MAX_REPLIES || self.reply_bytes > MAX_REPLY_BYTES {
            let Some((_, reply)) = self.replies.pop_front() else { return };
            self.reply_bytes -= reply.len();
        }
    }

    /// Whether replies are kept.
    #[must_use]
    pub fn has_replies(&self) -> bool {
        !self.replies.is_empty()
    }

    /// Takes the oldest reply that is kept.
    pub fn take_reply(&mut self) -> Option<(u64, Frame)> {
        let (number, reply) = self.replies.pop_front()?;
        self.reply_bytes -= reply.len();
        Some((number, reply))
    }
}
