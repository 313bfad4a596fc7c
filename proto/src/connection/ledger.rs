//! What arrived, so that the server may forget it and need not bring it twice: docs/wire.md, "Counts".

use crate::time::Instant;
use std::time::Duration;

/// Items of one session, counted from 1 by both ends.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    received: u64,
    acknowledged: u64,
    late: Option<Instant>,
}

impl Ledger {
    /// The last item that arrived.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Another session begins.
    pub(super) fn begin(&mut self) {
        *self = Self::default();
    }

    /// Takes note of an item. Whether it is news, and did not come before on another carrier.
    pub(super) fn enter(&mut self, now: Instant, number: u64, after: Duration) -> bool {
        let news = number > self.received;
        if news {
            self.received = number;
            self.late.get_or_insert(now + after);
        }
        news
    }

    /// What lies before this number will not come.
    pub(super) fn skip_to(&mut self, next: u64) {
        self.received = self.received.max(next.saturating_sub(1));
    }

    /// Whether so many items wait for their acknowledgement.
    pub(super) fn is_due(&self, items: u64) -> bool {
        self.received - self.acknowledged >= items
    }

    /// Whether one waits for too long.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.late.is_some_and(|late| late <= now)
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.late
    }

    /// The server is told, and how far.
    pub(super) fn acknowledge(&mut self) -> u64 {
        self.late = None;
        self.acknowledged = self.received;
        self.received
    }
}
