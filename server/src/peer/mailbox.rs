//! The outbox of a peer's client.

use super::Peer;
use crate::outbox::{Counts, Key, Outbox};
use crate::session::with;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tsugi_proto::packet::Received;
use tsugi_proto::session::{Item, SendError};
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

/// What came, as its client numbers it.
pub(super) enum Numbered {
    /// Not at all.
    No,
    /// An item of this outbox, and whether it wants a reply.
    Item(Arc<Outbox>, u64, bool),
    /// An item that nobody has taken. The client sends it again.
    Late,
}

impl Numbered {
    fn item(outbox: Arc<Outbox>, slot: i64) -> Self {
        Self::Item(outbox, slot.unsigned_abs(), slot > 0)
    }
}

impl Peer {
    /// The client names its outbox, in hello. How far the server is with it; nothing is known of a new one.
    pub(crate) fn bring_outbox(self: &Arc<Self>, name: [u8; 16], sent: u64) -> Counts {
        let key = self.outbox_key(name);
        if let Some(before) = self.outbox().filter(|before| before.key != key) {
            if !self.stop_speaking() {
                return Counts::default();
            }
            self.core.outboxes.leave(&before, self, &self.core);
        }
        let outbox = self.core.outboxes.carry(&key, None, self);
        let (id, counts) = outbox.as_ref().map(|outbox| (outbox.id, outbox.counts())).unwrap_or_default();
        self.set_outbox(outbox.map_or(Mailbox::Named(name, sent), Mailbox::Carried));
        self.speaks_for.store(id, Ordering::Release);
        counts
    }

    /// The client goes on with another outbox, in which the numbers of what it may yet be answered mean other items. Whether the
    /// session goes on: what one that has ended could not deliver is on its way back to the outbox it had.
    fn stop_speaking(self: &Arc<Self>) -> bool {
        self.speaks_for.store(0, Ordering::Release);
        let Ok(nothing) = self.kit().codec.encode_frame(&Value::Nil, &Value::Integer(0)) else { return false };
        with(&self.owner(), |session, _| {
            session.disown_replies(&nothing);
            !session.is_closed()
        })
    }

    /// Sends what an outbox says, unless the session speaks for another by now.
    pub(crate) fn send_of(self: &Arc<Self>, outbox: u64, item: Item) -> Result<(), SendError> {
        self.send_if(|| self.speaks_for.load(Ordering::Acquire) == outbox, item)
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

    /// What came, as the client numbers it: its slot is the number, negative when it wants no reply.
    pub(super) fn item_in(self: &Arc<Self>, received: &Received) -> Numbered {
        if !self.numbers.load(Ordering::Acquire) {
            return Numbered::No;
        }
        let Value::Integer(slot) = *received.slot() else { return Numbered::No };
        if slot == 0 {
            return Numbered::No;
        }
        let (name, sent, attempt) = {
            let work = self.work.lock();
            match &work.outbox {
                Mailbox::None => return Numbered::No,
                Mailbox::Carried(outbox) => return Numbered::item(Arc::clone(outbox), slot),
                Mailbox::Named(name, sent) => (*name, *sent, work.attempt),
            }
        };
        // Another session may have the outbox by now, and is told that none of it was taken here.
        if self.is_closed() {
            return Numbered::Late;
        }
        let Some(outbox) = self.core.outboxes.carry(&self.outbox_key(name), Some(sent), self) else {
            return Numbered::Late;
        };
        outbox.note_hello(attempt);
        self.set_outbox(Mailbox::Carried(Arc::clone(&outbox)));
        self.speaks_for.store(outbox.id, Ordering::Release);
        outbox.flush();
        Numbered::item(outbox, slot)
    }

    fn set_outbox(self: &Arc<Self>, outbox: Mailbox) {
        self.work.lock().outbox = outbox;
        self.numbers.store(true, Ordering::Release);
        // A session that ended just now had nothing to leave yet.
        if self.is_closed() {
            self.leave_outbox();
        }
    }

    /// Tells the client what it may forget, unless replies do that.
    pub(super) fn tell_handled(&self) {
        if let Some(outbox) = self.outbox() {
            outbox.tell_handled();
        }
    }

    /// The client lost something, which may have been a reply.
    pub(super) fn tell_handled_anew(&self) {
        if let Some(outbox) = self.outbox() {
            outbox.tell_anew();
        }
    }

    /// The session is over, and the client may lack these.
    pub(super) fn give_back(&self, replies: Vec<(u64, Frame)>) {
        if let Some(outbox) = self.outbox() {
            outbox.keep(replies);
        }
    }

    /// The session is over. What came in it and waits to be handled is still the outbox's, so that it is not handled twice.
    pub(super) fn leave_outbox(self: &Arc<Self>) {
        let Some(outbox) = self.outbox() else { return };
        self.core.outboxes.leave(&outbox, self, &self.core);
        // A session that took it over meanwhile delivers what this one could not.
        outbox.flush();
    }
}
