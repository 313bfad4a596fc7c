//! From the outbox to the live carrier.

use super::carrier::{Carrier, Link};
use super::config::WhileDown;
use super::outbox::{Item, ItemId, Wants};
use super::output::Output;
use super::poll::Poll;
use super::reply::RequestError;
use super::state::State;
use super::{Connection, Flow, PACE, SendError};
use crate::event::Event;
use crate::message::Message;
use crate::time::Instant;
use crate::value::Value;
use std::time::Duration;

impl Connection {
    pub(super) fn add(
        &mut self,
        now: Instant,
        event: &Event,
        wants: Wants,
        timeout: Duration,
    ) -> Result<ItemId, SendError> {
        let closed = matches!(self.state, State::Closed(_));
        if self.live.is_none() && (closed || self.desk.config.while_down == WhileDown::Refuse) {
            return Err(SendError::Disconnected);
        }
        let message = self.message_of(event, &self.outbox.next_id().slot(wants))?;
        let bytes = self.outbox.bytes() + message.len();
        if self.outbox.len() >= self.desk.config.max_queue || bytes > self.desk.config.max_queue_bytes {
            return Err(SendError::QueueFull);
        }
        // What server there will be is not known yet.
        let event = self.desk.terms.session.is_none().then(|| event.clone());
        let item = self.outbox.add(message, wants, now + timeout, event);
        self.pump(now);
        Ok(item)
    }

    pub(super) fn message_of(&self, event: &Event, slot: &Value) -> Result<Message, SendError> {
        if event.id.is_reserved() {
            return Err(SendError::Reserved);
        }
        let id = Value::Keyword(event.id.as_str().into());
        let payload = std::iter::once(id).chain(event.data.clone()).collect();
        let message = self.desk.config.codec.encode(&Value::Vector(payload), slot)?;
        let (size, limit) = (message.len(), self.desk.terms.max_message);
        if size > limit { Err(SendError::TooLarge { size, limit }) } else { Ok(message) }
    }

    /// Gives the live carrier what it can take.
    pub(super) fn pump(&mut self, now: Instant) {
        self.pump_websocket();
        while self.polled_link().is_some_and(|poll| poll.may_post()) {
            let batch = self.take_batch();
            if batch.is_empty() {
                return;
            }
            if let Some(Carrier { link: Link::Poll(poll), .. }) = &mut self.live {
                poll.post(&mut self.desk, now, batch);
            }
        }
    }

    fn polled_link(&self) -> Option<&Poll> {
        match &self.live {
            Some(Carrier { link: Link::Poll(poll), .. }) => Some(poll),
            _ => None,
        }
    }

    /// A driver that cannot write leaves outputs where they are, and is given no more then.
    pub(super) fn pump_websocket(&mut self) {
        while self.flow == Flow::Free
            && self.desk.transmits() < PACE
            && let Some(Carrier { link: Link::WebSocket(websocket), .. }) = &self.live
        {
            let path = websocket.path;
            let Some((id, message, wants)) = self.take_item(usize::MAX) else { return };
            self.desk.put(Output::Transmit { path, message });
            // Sente says nothing of events: that it was given to the connection is all that will ever be known.
            if self.desk.terms.session.is_none() && wants == Wants::Nothing {
                self.settle(id, Ok(Value::Nil));
            }
        }
    }

    /// In order, as many as the server takes at once, and at least one. Sente takes one.
    fn take_batch(&mut self) -> Vec<(ItemId, Message, Wants)> {
        let mut room = usize::MAX;
        let mut batch = Vec::new();
        while let Some(taken) = self.take_item(room) {
            let limit = if self.desk.terms.session.is_some() { self.desk.terms.max_message } else { 0 };
            room = room.min(limit).saturating_sub(taken.1.len() + 1);
            batch.push(taken);
            if room == 0 {
                break;
            }
        }
        batch
    }

    /// The next item as this server wants it, if it is no larger than `room`.
    fn take_item(&mut self, room: usize) -> Option<(ItemId, Message, Wants)> {
        loop {
            let item = self.outbox.peek().filter(|item| item.message.len() <= room)?;
            let (id, wants) = (item.id, item.wants);
            let message =
                if self.desk.terms.session.is_some() { Ok(item.message.clone()) } else { self.for_sente(item) };
            self.outbox.give(id);
            // What was written before there was a server may be too much for the one there is.
            match message {
                Ok(message) if message.len() <= self.desk.terms.max_message => return Some((id, message, wants)),
                Ok(_) => self.settle(id, Err(RequestError::TooLarge)),
                Err(_) => self.settle(id, Err(RequestError::Disconnected)),
            }
        }
    }

    /// Sente has numbers of its own for requests, and none for events.
    fn for_sente(&self, item: &Item) -> Result<Message, SendError> {
        let event = item.event.as_ref().ok_or(SendError::Disconnected)?;
        let slot = match item.wants {
            Wants::Nothing => Value::Nil,
            Wants::Reply if self.polled_link().is_some() => Value::keyword("ajax"),
            Wants::Reply => item.id.hex(),
        };
        self.message_of(event, &slot)
    }
}
