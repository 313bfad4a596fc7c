//! The outbox of a peer's client.

use super::{Peer, id_of};
use crate::outbox::{Counts, Key, Outbox, Taken};
use crate::reply::Responder;
use std::sync::Arc;
use tsugi_proto::packet::Received;
use tsugi_proto::{Frame, Value};

/// What is known of the client's outbox. Most clients never send anything, so it is made for the first item.
#[derive(Default)]
pub(super) enum Mailbox {
    #[default]
    None,
    /// Its name, and up to where the client had sent it before.
    Named([u8; 16], u64),
    Carried(Arc<Outbox>),
}

impl Peer {
    /// The client names its outbox, in hello. How far the server is with it; nothing is known of a new one.
    pub(crate) fn bring_outbox(self: &Arc<Self>, name: [u8; 16], sent: u64) -> Counts {
        let key = self.outbox_key(name);
        let outbox = self.core.outboxes.carry(&key, None, self);
        let counts = outbox.as_ref().map(|outbox| outbox.counts()).unwrap_or_default();
        let mailbox = outbox.map_or(Mailbox::Named(name, sent), Mailbox::Carried);
        let before = std::mem::replace(&mut self.work.lock().outbox, mailbox);
        if let Mailbox::Carried(before) = before
            && before.key != key
        {
            self.core.outboxes.leave(&before, self, &self.core);
        }
        counts
    }

    /// Sends what sessions of before could not deliver.
    pub(crate) fn send_kept_replies(&self) {
        if let Some(outbox) = self.outbox() {
            outbox.flush();
        }
    }

    pub(super) fn outbox(&self) -> Option<Arc<Outbox>> {
        let work = self.work.lock();
        if let Mailbox::Carried(outbox) = &work.outbox { Some(Arc::clone(outbox)) } else { None }
    }

    pub(super) fn outbox_key(&self, name: [u8; 16]) -> Key {
        Key { user: self.user().cloned(), name, kit: self.kit_index() }
    }

    /// The item that came, if the client numbers what it sends: its slot is the number, negative when it wants no reply.
    pub(super) fn item_in(self: &Arc<Self>, received: &Received) -> Option<(Arc<Outbox>, u64, bool)> {
        let Value::Integer(slot) = *received.slot() else { return None };
        if slot == 0 {
            return None;
        }
        let (name, sent, attempt) = {
            let work = self.work.lock();
            match &work.outbox {
                Mailbox::None => return None,
                Mailbox::Carried(outbox) => return Some((Arc::clone(outbox), slot.unsigned_abs(), slot > 0)),
                Mailbox::Named(name, sent) => (*name, *sent, work.attempt),
            }
        };
        let outbox = self.core.outboxes.carry(&self.outbox_key(name), Some(sent), self)?;
        outbox.note_hello(attempt);
        self.work.lock().outbox = Mailbox::Carried(Arc::clone(&outbox));
        Some((outbox, slot.unsigned_abs(), slot > 0))
    }

    /// Tells the client what it may forget, unless replies do that.
    pub(super) fn tell_handled(&self) {
        if let Some(outbox) = self.outbox() {
            outbox.tell_handled();
        }
    }

    /// The session is over, and the client may lack these.
    pub(super) fn give_back(&self, replies: Vec<(u64, Frame)>) {
        if let Some(outbox) = self.outbox() {
            outbox.keep(replies);
        }
    }

    pub(super) fn leave_outbox(self: &Arc<Self>) {
        let outbox = match std::mem::take(&mut self.work.lock().outbox) {
            Mailbox::Carried(outbox) => outbox,
            Mailbox::None | Mailbox::Named(..) => return,
        };
        self.core.outboxes.leave(&outbox, self, &self.core);
        // A session that took it over meanwhile delivers what this one could not.
        outbox.flush();
    }

    /// Answers an item of the outbox, in whatever session the client has by then.
    pub(super) fn responder_for_item(self: &Arc<Self>, received: &Received, taken: &Arc<Taken>) -> Responder {
        let (peer, taken, slot) = (Arc::clone(self), Arc::clone(taken), received.slot().clone());
        let answer = move |reply| {
            let message = peer.encode_reply(&slot, reply)?;
            taken.outbox.answer(taken.number, Frame::message(&message));
            Ok(())
        };
        Responder::new(id_of(received), Box::new(answer))
    }
}
