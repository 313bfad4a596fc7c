//! What an outbox that outlives its process needs of the connection.

use super::outbox::{ItemId, Outbox, Wants};
use super::{Connection, SendError};
use crate::codec::Codec;
use crate::event::Event;
use crate::time::Instant;
use crate::value::Value;
use std::sync::Arc;
use std::time::Duration;

impl Connection {
    /// Goes on with an outbox that was kept, of this name and this user (`None`: an anonymous one), instead of the one there is,
    /// in which nothing may be under way. When a server names another user, what was put back is not said to it: it fails with
    /// [`RequestError::OtherUser`](super::RequestError::OtherUser). Then [`Connection::restore`] and [`Connection::continue_after`].
    pub fn begin_outbox(&mut self, name: [u8; 16], user: Option<Value>) {
        self.outbox = Outbox::new(name);
        self.owner = Some(user);
    }

    /// How values are written.
    #[must_use]
    pub fn codec(&self) -> &Arc<dyn Codec> {
        &self.desk.config.codec
    }

    /// The name of the outbox there is. It is another one when the server has named another user than before.
    #[must_use]
    pub fn outbox_name(&self) -> [u8; 16] {
        self.outbox.name
    }

    /// The number that the next event or request would have.
    #[must_use]
    pub fn next_item(&self) -> ItemId {
        self.outbox.next_id()
    }

    /// Leaves an outbox that somebody else may go on with, and in which nothing may be under way, for one of another name.
    pub fn leave_outbox(&mut self) {
        self.outbox = self.outbox.successor();
        self.owner = None;
    }

    /// Puts back what an earlier connection with this outbox had under way: the event, whether it wants a reply, and how long is
    /// left to it. In order, and before anything is sent; each keeps its number.
    ///
    /// # Errors
    /// When it was not taken: the codec cannot write it, or its number is not above those before.
    pub fn restore(
        &mut self,
        now: Instant,
        item: ItemId,
        event: &Event,
        wants: Wants,
        left: Duration,
    ) -> Result<(), SendError> {
        if self.outbox.has_given(item) {
            return Err(SendError::NumberGiven(item));
        }
        let message = self.message_of(event, &item.slot(wants))?;
        self.outbox.restore(item, message, wants, now + left, event.clone());
        Ok(())
    }

    /// Says how often there was a connection with this outbox before, and the last item it gave a number to. Numbers go on behind
    /// that; and a server can tell what it says from what an earlier connection said and comes late.
    pub fn continue_after(&mut self, last: Option<ItemId>, life: u32) {
        self.outbox.continue_after(last, life);
    }
}
