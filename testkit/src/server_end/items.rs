//! What clients say, once each, and that it was handled.

use super::{Handled, NEVER, Plant, ServerEnd, natural};
use std::sync::Arc;
use tsugi_proto::packet::Received;
use tsugi_proto::session::{Arrival, Item};
use tsugi_proto::{Codec, Frame, Instant, Value};

impl ServerEnd {
    /// Every request is answered with its own data.
    pub(super) fn received(&mut self, now: Instant, session: u64, received: Received) {
        let Received::Event { id, data, slot } = received else { return };
        let Some(number) = self.take(session, &slot) else { return };
        let data: Value = tsugi_proto::codec::deserialize(self.codec.as_ref(), data.as_ref()).unwrap_or_default();
        let reply = match id.as_str() {
            "chsk/ack" => {
                let served = self.sessions.get_mut(&session).filter(|_| matches!(data, Value::Integer(_)));
                let acknowledged = served.map(|served| served.session.acknowledge(natural(&data)));
                if acknowledged != Some(Ok(())) {
                    self.complaints.push(format!("an acknowledgement of what was not sent: {acknowledged:?}"));
                }
                None
            }
            "chsk/ws-ping" => Some(Value::string("pong")),
            _ => Some(data.clone()),
        };
        if !id.is_reserved() {
            let client = self.sessions.get(&session).map_or(usize::MAX, |served| served.client);
            self.handled.push(Handled { client, life: self.life, item: number, data: data.clone() });
            self.received.push((id.clone(), data));
        }
        if id.as_str() == NEVER {
            return;
        }
        let wanted = reply.filter(|_| !slot.is_nil() && !matches!(slot, Value::Integer(..0)));
        let reply = wanted.and_then(|reply| self.codec.encode(&reply, &slot).ok()).map(|it| Frame::message(&it));
        self.finish(now, session, number, reply);
    }

    /// The number of an item that is to be handled, 0 for what is none; `None` for one that came before.
    fn take(&mut self, session: u64, slot: &Value) -> Option<u64> {
        let Value::Integer(slot) = slot else { return Some(0) };
        let served = self.sessions.get(&session)?;
        let Some((upstream, _)) = served.outbox.as_ref().and_then(|name| self.outboxes.get_mut(name)) else {
            return Some(0);
        };
        let number = slot.unsigned_abs();
        let again = number > 0 && upstream.arrive(number) == Arrival::Again;
        (!again || self.plant == Some(Plant::HandlesAgain)).then_some(number)
    }

    /// Answers, or tells that it was handled.
    fn finish(&mut self, now: Instant, session: u64, number: u64, reply: Option<Frame>) {
        let Some(served) = self.sessions.get_mut(&session) else { return };
        let upstream = served.outbox.as_ref().and_then(|name| self.outboxes.get_mut(name)).map(|it| &mut it.0);
        let item = match (reply, upstream) {
            (Some(reply), Some(upstream)) if number > 0 => {
                upstream.finish(number);
                Item::Reply(number, reply)
            }
            (Some(reply), _) => Item::Message(reply),
            (None, Some(upstream)) if number > 0 => {
                upstream.finish(number);
                let early = u64::from(self.plant == Some(Plant::OvercountsHandled));
                let Some(item) = all_until(&self.codec, upstream.handled() + early) else { return };
                item
            }
            (None, _) => return,
        };
        // One that is full or closed says so among the news.
        if let Some(served) = self.sessions.get_mut(&session) {
            let _ = served.session.send(now, item);
        }
    }
}

/// Everything up to an item was handled, and what replies there are went before.
pub(super) fn all_until(codec: &Arc<dyn Codec>, handled: u64) -> Option<Item> {
    let slot = Value::Integer(-i64::try_from(handled).unwrap_or(i64::MAX));
    codec.encode(&Value::Nil, &slot).ok().map(|packet| Item::Message(Frame::message(&packet)))
}
