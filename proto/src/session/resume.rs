//! What was sent and not yet acknowledged, kept so that another carrier can bring it again.
//!
//! Items are events and replies, numbered from 1 in the order in which they are first sent. A frame holds whole items, so
//! frames are what is kept; each is the shared one that was sent.

use super::{CarrierId, Profile, Session};
use crate::close::{Close, CloseCode};
use crate::framing::Frame;
use crate::time::Instant;
use std::collections::VecDeque;
use std::sync::Arc;
use thiserror::Error;

/// Items that the peer will never get, and is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first of them.
    pub from: u64,
    /// The last of them.
    pub to: u64,
}

/// How a session goes on after [`Session::resume`](super::Session::resume).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// The number of the item that is sent next.
    pub next: u64,
    /// What lies between what the peer has and that; `None` when nothing does.
    pub gap: Option<Gap>,
}

/// The peer acknowledged what it was never sent: the two ends count differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("item {received} was acknowledged, but only {sent} were sent")]
pub struct Desync {
    /// What the peer claims to have.
    pub received: u64,
    /// What was sent.
    pub sent: u64,
}

/// A sent frame.
#[derive(Debug)]
struct Sent {
    frame: Frame,
    items: u64,
    /// The item of the peer's outbox that it answers.
    answers: Option<u64>,
}

/// Sent frames, oldest first.
#[derive(Debug, Default)]
pub(super) struct Kept {
    frames: VecDeque<Sent>,
    /// How many of the frames the attached carrier has.
    given: usize,
    /// How many items are no longer kept: acknowledged, or lost.
    gone: u64,
    /// How many items the peer has said to have.
    acknowledged: u64,
    items: u64,
    bytes: usize,
}

impl Kept {
    /// How many items were numbered.
    pub(super) fn numbered(&self) -> u64 {
        self.gone + self.items
    }

    pub(super) fn items(&self) -> usize {
        usize::try_from(self.items).unwrap_or(usize::MAX)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A frame that goes out for the first time, and is not to be sent again on this carrier.
    pub(super) fn keep(&mut self, frame: &Frame, items: u64, answers: Option<u64>) {
        self.items += items;
        self.bytes += frame.len();
        self.frames.push_back(Sent { frame: frame.clone(), items, answers });
        self.given = self.frames.len();
    }

    /// Whether something is to be sent again.
    pub(super) fn has_more(&self) -> bool {
        self.given < self.frames.len()
    }

    /// The next frame to be sent again.
    pub(super) fn again(&mut self) -> Option<Frame> {
        let sent = self.frames.get(self.given)?;
        self.given += 1;
        Some(sent.frame.clone())
    }

    /// Forgets what the peer has.
    pub(super) fn acknowledge(&mut self, received: u64) -> Result<(), Desync> {
        self.plan(received)?;
        self.acknowledged = self.acknowledged.max(received);
        while self.frames.front().is_some_and(|sent| self.gone + sent.items <= received) {
            self.forget_oldest();
        }
        if self.frames.is_empty() {
            self.frames = VecDeque::new();
        }
        Ok(())
    }

    /// How it would go on for a peer that has so much.
    fn plan(&self, received: u64) -> Result<Resumed, Desync> {
        let sent = self.numbered();
        if received > sent {
            return Err(Desync { received, sent });
        }
        let gap = (received < self.gone).then_some(Gap { from: received + 1, to: self.gone });
        Ok(Resumed { next: received.max(self.gone) + 1, gap })
    }

    /// Makes everything that the peer lacks go out again.
    fn rewind(&mut self, received: u64) -> Result<Resumed, Desync> {
        let resumed = self.plan(received)?;
        self.acknowledge(received)?;
        self.given = 0;
        Ok(Resumed { next: self.gone + 1, ..resumed })
    }

    /// Gives up the oldest frame that the carrier has, to make room. Whether there was one.
    pub(super) fn give_up_oldest(&mut self) -> bool {
        let can = self.given > 0;
        if can {
            self.forget_oldest();
        }
        can
    }

    /// Gives everything up, and so many items with it that were never sent.
    pub(super) fn give_up(&mut self, unsent: u64) {
        *self = Self { gone: self.numbered() + unsent, acknowledged: self.acknowledged, ..Self::default() };
    }

    /// Puts `nothing` in the place of every reply, which keeps the count.
    fn disown(&mut self, nothing: &Frame) {
        for sent in self.frames.iter_mut().filter(|sent| sent.answers.is_some()) {
            self.bytes = self.bytes + nothing.len() - sent.frame.len();
            sent.frame = nothing.clone();
            sent.answers = None;
        }
    }

    /// The replies that the peer may not have, in order.
    pub(super) fn into_replies(self) -> impl Iterator<Item = (u64, Frame)> {
        self.frames.into_iter().filter_map(|sent| Some((sent.answers?, sent.frame)))
    }

    fn forget_oldest(&mut self) {
        if let Some(Sent { frame, items, .. }) = self.frames.pop_front() {
            self.gone += items;
            self.items -= items;
            self.bytes -= frame.len();
            self.given = self.given.saturating_sub(1);
        }
    }
}

impl Session {
    /// Items sent and not yet acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.items())
    }

    /// How many items were given a number.
    #[must_use]
    pub fn numbered(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.numbered())
    }

    /// How many items the peer has said to have. It never takes that back, so what says less was said before.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.acknowledged)
    }

    /// From now on, what is sent is numbered, and kept until the peer has acknowledged it.
    pub fn keep(&mut self) {
        self.kept.get_or_insert_default();
    }

    /// How the session would go on for a peer that has every item up to this number.
    ///
    /// # Errors
    /// When it has what was never sent: the session cannot go on with this peer.
    pub fn plan(&self, received: u64) -> Result<Resumed, Desync> {
        self.kept.as_ref().map_or_else(|| Kept::default().plan(received), |kept| kept.plan(received))
    }

    /// As [`Session::attach`], for a peer that has every item up to this number: what it lacks goes out again, before
    /// anything new and after the greeting. In one step, so that nothing is sent in between that neither end counts.
    ///
    /// # Errors
    /// When it has what was never sent. Nothing is changed; the session cannot go on with this peer.
    pub fn resume(
        &mut self,
        now: Instant,
        profile: Arc<Profile>,
        received: u64,
        greeting: impl FnOnce(&Resumed) -> Option<Frame>,
    ) -> Result<(CarrierId, Resumed), Desync> {
        let resumed = self.kept.get_or_insert_default().rewind(received)?;
        let greeting = greeting(&resumed);
        Ok((self.attach(now, profile, greeting), resumed))
    }

    /// The peer has every item up to this number.
    ///
    /// # Errors
    /// When it has what was never sent. Nothing is changed.
    pub fn acknowledge(&mut self, received: u64) -> Result<(), Desync> {
        match &mut self.kept {
            Some(kept) => kept.acknowledge(received),
            None => Ok(()),
        }
    }

    /// The peer goes on with another outbox, whose items have other numbers: every [`Item::Reply`](super::Item::Reply) that it may not
    /// have is replaced by `nothing`, an answer to no item.
    pub fn disown_replies(&mut self, nothing: &Frame) {
        self.queue.disown(nothing);
        if let Some(kept) = &mut self.kept {
            kept.disown(nothing);
        }
    }

    /// Whether what waits exceeds the bounds. What was sent and waits for its acknowledgement is given up first, oldest
    /// first: the peer most likely has it.
    pub(super) fn is_overfull(&mut self) -> bool {
        let (items, bytes) = (self.config.max_queue_items, self.config.max_queue_bytes);
        loop {
            let (kept_items, kept_bytes) = self.kept.as_ref().map_or((0, 0), |kept| (kept.items(), kept.bytes()));
            if self.queue.len() + kept_items <= items && self.queue.bytes() + kept_bytes <= bytes {
                return false;
            }
            if !self.kept.as_mut().is_some_and(|kept| kept.give_up_oldest()) {
                return true;
            }
        }
    }

    /// Whether so much more fits without anything being given up for it.
    pub(super) fn has_room_for(&self, items: usize, bytes: usize) -> bool {
        let (kept_items, kept_bytes) = self.kept.as_ref().map_or((0, 0), |kept| (kept.items(), kept.bytes()));
        self.queue.len() + kept_items + items <= self.config.max_queue_items
            && self.queue.bytes() + kept_bytes + bytes <= self.config.max_queue_bytes
    }

    /// A session that can be resumed goes on after a gap, of which its peer is told; any other is over.
    pub(super) fn overflow(&mut self, now: Instant) {
        let close = Close::because(CloseCode::QUEUE_FULL, "queue full");
        let Some(kept) = &mut self.kept else { return self.abort(close) };
        kept.give_up(self.queue.numbered());
        self.queue.clear();
        self.due = false;
        self.drop_carrier(now, close);
    }
}
