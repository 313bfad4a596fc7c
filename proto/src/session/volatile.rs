//! Events that are soon out of date: under pressure they are left out, before they have a number, so that no gap is left.

use super::{EncodedEvent, Flush, Item, SendError, Session, Transport};
use crate::time::Instant;
use std::sync::Arc;

/// Whether an event may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// It arrives, or the peer is told of a gap.
    #[default]
    Kept,
    /// It may be left out where the peer does not keep up, or is away.
    Volatile,
    /// The same, and of those with this key that wait only the newest is sent.
    Latest(Arc<str>),
}

/// What became of a volatile event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It will be sent, unless a newer one of its key comes before.
    Queued,
    /// The same, and an older one of its key that waited will not be.
    Replaced,
    /// It was left out.
    Dropped,
}

/// What may wait before a volatile event without anybody calling it pressure: it is being written at this moment, or is the
/// rest of what one handler said.
const ITEMS: usize = 8;
const BYTES: usize = 64 * 1024;

impl Session {
    /// Queues an event that may be left out: when the peer is away, or its carrier does not take what waits. One with a key
    /// takes the place of an older one with the same, behind what was queued since, and is dropped only where there is no room. None
    /// of them makes a queue overflow.
    ///
    /// # Errors
    /// [`SendError::Closed`] when the session is over or about to be.
    pub fn send_volatile(
        &mut self,
        now: Instant,
        event: Arc<EncodedEvent>,
        flush: Flush,
        key: Option<&Arc<str>>,
    ) -> Result<Fate, SendError> {
        if self.is_closing() {
            return Err(SendError::Closed);
        }
        let older = key.and_then(|key| self.queue.find_volatile(key));
        let unwelcome = self.peer_is_away() || (key.is_none() && self.is_under_pressure());
        let (items, bytes) =
            older.map_or((1, event.frame.len()), |(_, bytes)| (0, event.frame.len().saturating_sub(bytes)));
        if (older.is_none() && unwelcome) || !self.has_room_for(items, bytes) {
            return Ok(Fate::Dropped);
        }
        if let Some((place, _)) = older {
            self.queue.remove(place);
        }
        self.send(now, Item::Volatile(event, flush, key.cloned()))?;
        Ok(if older.is_some() { Fate::Replaced } else { Fate::Queued })
    }

    /// Between two polls a peer is there; without its WebSocket it is not.
    fn peer_is_away(&self) -> bool {
        self.carrier().is_none() && self.online != Some(Transport::Poll)
    }

    /// Whether the carrier could take what waits, and has not. What waits for the batch window is no sign of that.
    fn is_under_pressure(&self) -> bool {
        let again = self.kept.as_ref().is_some_and(|kept| kept.has_more());
        again || (self.due && (self.queue.len() > ITEMS || self.queue.bytes() > BYTES))
    }
}
