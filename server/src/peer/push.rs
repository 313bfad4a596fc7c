//! What the server says to a peer's client by itself: events, and when to come back.

use super::Peer;
use crate::hello::count;
use crate::kit::{Protocol, keyword};
use crate::session::with;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tsugi_proto::session::{Durability, EncodedEvent, Fate, Flush, Item};
use tsugi_proto::{Close, Frame, Value};

impl Peer {
    /// Queues an event that was encoded for this peer's codec, or leaves a volatile one out. Whether it was taken.
    pub(crate) fn push(self: &Arc<Self>, event: &Arc<EncodedEvent>, flush: Flush, durability: &Durability) -> bool {
        if self.gated.load(Ordering::Acquire) {
            return false;
        }
        match durability {
            Durability::Kept => self.send(Item::Event(Arc::clone(event), flush)).is_ok(),
            Durability::Volatile => self.push_volatile(event, flush, None),
            Durability::Latest(key) => self.push_volatile(event, flush, Some(key)),
        }
    }

    fn push_volatile(self: &Arc<Self>, event: &Arc<EncodedEvent>, flush: Flush, key: Option<&Arc<str>>) -> bool {
        let fate = with(&self.owner(), |session, now| session.send_volatile(now, Arc::clone(event), flush, key));
        match fate {
            Ok(Fate::Queued) => {}
            Ok(Fate::Replaced) => self.core.counters.volatile_replaced.add(1),
            Ok(Fate::Dropped) => self.core.counters.volatile_dropped.add(1),
            Err(_) => return false,
        }
        fate != Ok(Fate::Dropped)
    }

    /// Ends the session like [`Peer::close`], and tells a client that understands it when to come back.
    pub(crate) fn dismiss(self: &Arc<Self>, close: Close, slot: Duration) {
        let retry = self.encode_slot(slot);
        with(&self.owner(), |session, now| {
            if let Some(retry) = retry {
                // One whose queue is full is told that instead.
                let _ = session.send(now, Item::Control(retry));
            }
            session.close(now, close);
        });
    }

    fn encode_slot(&self, slot: Duration) -> Option<Frame> {
        let millis = u64::try_from(slot.as_millis()).ok().filter(|millis| *millis > 0)?;
        let payload = Value::Vector(vec![keyword("chsk/retry"), count(millis)]);
        let message = self.kit().codec.encode(&payload, &Value::Nil).ok();
        message.filter(|_| self.protocol == Protocol::Tsugi).map(|message| Frame::message(&message))
    }
}
