//! What waits to be sent.

use super::{Joiner, batch};
use crate::framing::Frame;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// An event encoded once for a codec and shared by every session it goes to.
#[derive(Clone, Debug)]
pub struct EncodedEvent {
    /// The event by itself, to be joined with others into one batch.
    pub body: Bytes,
    /// The batch that holds this event alone, framed.
    pub frame: Frame,
}

/// Whether an event may wait for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// Wait for the batch window and share a frame with the events around it.
    #[default]
    Batched,
    /// Leave at once, taking along what waits, and share no frame with what follows.
    Now,
}

/// One queued thing.
#[derive(Clone, Debug)]
pub enum Item {
    /// A reply, an application's message: leaves at once, in a frame of its own.
    Message(Frame),
    /// The reply to this item of the peer's outbox: as a message, and handed back if the session ends before the peer has it. What is
    /// said of the outbox as a whole has the number 0, and is not handed back.
    Reply(u64, Frame),
    /// A word of the protocol, such as a ping: leaves like a message, has no number, and is never sent again.
    Control(Frame),
    /// An event.
    Event(Arc<EncodedEvent>, Flush),
    /// An event that a newer one with the same key may replace; see [`Session::send_volatile`](super::Session::send_volatile).
    Volatile(Arc<EncodedEvent>, Flush, Option<Arc<str>>),
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Self::Message(frame) | Self::Reply(_, frame) | Self::Control(frame) => frame.len(),
            Self::Event(event, _) | Self::Volatile(event, ..) => event.frame.len(),
        }
    }

    fn event(&self) -> Option<&Arc<EncodedEvent>> {
        match self {
            Self::Event(event, _) | Self::Volatile(event, ..) => Some(event),
            Self::Message(_) | Self::Reply(..) | Self::Control(_) => None,
        }
    }

    fn is_numbered(&self) -> bool {
        !matches!(self, Self::Control(_))
    }
}

/// The most events that one batch holds, and the most bytes of them; the rest goes into a batch of its own.
const BATCH_EVENTS: usize = 1_000;
const BATCH_BYTES: usize = 256 * 1024;

/// What the head of the queue makes as one frame.
pub(super) struct Run {
    pub(super) frame: Frame,
    /// How many of those that have a number are in it.
    pub(super) items: u64,
    /// The item of the peer's outbox that it answers.
    pub(super) answers: Option<u64>,
}

/// A queue bounded in items and bytes. Owns no memory until two wait at once, and gives it back: most that is queued is alone, and
/// a broadcast should need none for each of its sessions.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Before all others, and for one that comes when there is none.
    first: Option<Item>,
    rest: VecDeque<Item>,
    bytes: usize,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &Item> + Clone {
        self.first.iter().chain(&self.rest)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Items that have, or would get, a number.
    pub(super) fn numbered(&self) -> u64 {
        self.iter().filter(|item| item.is_numbered()).count() as u64
    }

    /// Whether a word of the protocol waits.
    pub(super) fn has_control(&self) -> bool {
        self.iter().any(|item| matches!(item, Item::Control(_)))
    }

    pub(super) fn push(&mut self, item: Item) {
        self.bytes += item.len();
        if self.is_empty() {
            self.first = Some(item);
        } else {
            self.rest.push_back(item);
        }
    }

    pub(super) fn extend(&mut self, items: impl IntoIterator<Item = Item>) {
        items.into_iter().for_each(|item| self.push(item));
    }

    /// The place and the bytes of the volatile event with this key.
    pub(super) fn find_volatile(&self, key: &str) -> Option<(usize, usize)> {
        let has = |item: &Item| matches!(item, Item::Volatile(_, _, Some(other)) if **other == *key);
        let (back, item) = self.iter().rev().enumerate().find(|(_, item)| has(item))?;
        Some((self.len() - 1 - back, item.len()))
    }

    /// Takes out what is there.
    pub(super) fn remove(&mut self, place: usize) {
        match place.checked_sub(usize::from(self.first.is_some())) {
            None => drop(self.pop()),
            Some(place) => self.bytes -= self.rest.remove(place).as_ref().map_or(0, Item::len),
        }
    }

    /// Takes the replies out, in order.
    pub(super) fn take_replies(&mut self) -> impl Iterator<Item = (u64, Frame)> {
        let Self { first, rest, .. } = std::mem::take(self);
        first
            .into_iter()
            .chain(rest)
            .filter_map(|item| if let Item::Reply(number, frame) = item { Some((number, frame)) } else { None })
    }

    /// Puts `nothing` in the place of every reply.
    pub(super) fn disown(&mut self, nothing: &Frame) {
        let all = self.first.iter_mut().chain(&mut self.rest);
        for item in all.filter(|item| matches!(item, Item::Reply(..))) {
            self.bytes = self.bytes + nothing.len() - item.len();
            *item = Item::Message(nothing.clone());
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes one frame's worth from the head: a message, or the events before the next message, flush or bound.
    pub(super) fn take_run(&mut self, joiner: &Arc<dyn Joiner>) -> Option<Run> {
        let run = match self.pop()? {
            Item::Control(frame) => Run { frame, items: 0, answers: None },
            Item::Message(frame) => Run { frame, items: 1, answers: None },
            Item::Reply(number, frame) => Run { frame, items: 1, answers: Some(number) },
            Item::Event(first, flush) | Item::Volatile(first, flush, _) => {
                let may_share = flush == Flush::Batched && !self.is_empty();
                let more = if may_share { self.count_followers(&first) } else { 0 };
                let frame = self.frame_with(&first, more, joiner);
                Run { frame, items: 1 + more as u64, answers: None }
            }
        };
        Some(run)
    }

    /// How many of what waits share a frame with an event that was taken.
    fn count_followers(&self, first: &EncodedEvent) -> usize {
        let mut bytes = first.body.len();
        let mut is_open = true;
        let follows = |item: &&Item| {
            let (Item::Event(event, flush) | Item::Volatile(event, flush, _)) = item else { return false };
            let follows = is_open && bytes < BATCH_BYTES;
            bytes += event.body.len();
            is_open = *flush == Flush::Batched;
            follows
        };
        self.iter().take(BATCH_EVENTS - 1).take_while(follows).count()
    }

    /// The frame of an event that was taken and of so many that follow, which are taken too.
    fn frame_with(&mut self, first: &Arc<EncodedEvent>, more: usize, joiner: &Arc<dyn Joiner>) -> Frame {
        if more == 0 {
            return first.frame.clone();
        }
        let followers = self.iter().take(more).filter_map(Item::event);
        let frame = batch::frame(joiner, std::iter::once(first).chain(followers));
        (0..more).for_each(|_| drop(self.pop()));
        frame
    }

    fn pop(&mut self) -> Option<Item> {
        let item = match self.first.take() {
            Some(item) => item,
            None => self.rest.pop_front()?,
        };
        self.bytes -= item.len();
        if self.rest.is_empty() {
            self.rest = VecDeque::new();
        }
        Some(item)
    }
}
