//! What one client says again and again, and what it says of what it has heard.

use crate::dialect::{Dialect, Say, masked};

pub(crate) struct Speech {
    dialect: Dialect,
    say: Say,
    size: usize,
    /// Of the last message. The check before a measurement had the first.
    number: u64,
    frames: Vec<u8>,
    /// How many they are.
    ready: usize,
}

impl Speech {
    pub(crate) fn new(dialect: Dialect, say: Say, size: usize) -> Self {
        Self { dialect, say, size, number: 1, frames: Vec::new(), ready: 0 }
    }

    /// So many frames in a row. They are made once where they may be the same.
    pub(crate) fn next(&mut self, many: usize) -> &[u8] {
        if self.dialect.counts() {
            self.frames.clear();
            self.ready = 0;
        }
        while self.ready < many {
            self.number += 1;
            self.ready += 1;
            let message = self.dialect.message(self.say, self.size, self.number);
            self.frames.extend_from_slice(&masked(1, message.as_bytes()));
        }
        // All are wanted, or all have one length.
        &self.frames[..self.frames.len() * many / self.ready.max(1)]
    }
}

/// Items after which a client acknowledges, as the server's handshake asks for.
const ACKNOWLEDGE: u64 = 64;

/// How much a client has heard.
pub(crate) struct Tally {
    dialect: Dialect,
    items: u64,
}

impl Tally {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, items: 0 }
    }

    /// Counts so many more. What to say of it, if it is time.
    pub(crate) fn more(&mut self, items: u64) -> Option<Vec<u8>> {
        self.items += items;
        (self.dialect.counts() && self.items % ACKNOWLEDGE < items).then(|| self.dialect.acknowledge(self.items))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_are_counted_have_numbers_that_grow_and_others_are_the_same() {
        let mut same = Speech::new(Dialect::TsugiJson, Say::Echo, 64);
        let two = same.next(2).to_vec();
        assert_eq!(same.next(1).repeat(2), two);
        let mut counted = Speech::new(Dialect::TsugiJsonCounted, Say::Echo, 64);
        let first = counted.next(1).to_vec();
        assert_ne!(counted.next(1), first);
        assert_eq!(counted.next(3).len(), 3 * first.len());
        assert!(Dialect::TsugiEdnCounted.message(Say::Broadcast, 64, 7).ends_with(" -7]"));
    }

    #[test]
    fn who_counts_acknowledges_every_64_items() {
        let mut tally = Tally::new(Dialect::TsugiJsonCounted);
        assert_eq!(tally.more(63), None);
        assert_eq!(tally.more(2), Some(masked(1, br#"[["chsk/ack",65],null]"#)));
        assert_eq!(tally.more(62), None);
        assert_eq!(Tally::new(Dialect::TsugiJson).more(64), None);
    }
}
