//! What the peer said and nobody has handled yet.

use super::{CarrierId, Session};
use crate::message::Message;
use crate::time::Instant;
use std::collections::VecDeque;

/// What most reads of a busy peer bring at most. An inbox has memory only while something is in it.
const USUAL: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Inbox {
    messages: VecDeque<Message>,
    /// Messages that were taken together and wait where they are.
    taken: usize,
}

impl Inbox {
    fn push(&mut self, message: Message) {
        if self.messages.is_empty() {
            self.messages.reserve(USUAL);
        }
        self.messages.push_back(message);
    }

    pub(super) fn clear(&mut self) {
        self.messages = VecDeque::new();
    }
}

impl Session {
    /// Whether messages wait to be taken.
    #[must_use]
    pub fn has_messages(&self) -> bool {
        !self.inbox.messages.is_empty()
    }

    /// Whether carriers must stop reading until messages are taken.
    #[must_use]
    pub fn inbox_is_full(&self) -> bool {
        self.inbox.messages.len() + self.inbox.taken >= self.config.max_inbox
    }

    /// Takes the next message of the peer.
    pub fn receive(&mut self) -> Option<Message> {
        let message = self.inbox.messages.pop_front();
        if self.inbox.messages.is_empty() {
            self.inbox.clear();
        }
        message
    }

    /// Takes all messages that wait. They count against [`Config::max_inbox`](super::Config::max_inbox) until it is called again, or
    /// [`Session::still_taken`] says how many of them are left.
    pub fn receive_all(&mut self) -> VecDeque<Message> {
        let messages = std::mem::take(&mut self.inbox.messages);
        self.inbox.taken = messages.len();
        messages
    }

    /// So many of the messages that were taken together wait still.
    pub fn still_taken(&mut self, count: usize) {
        self.inbox.taken = count.min(self.inbox.taken);
    }

    /// A message of the peer. One from a fenced carrier is dropped.
    pub fn handle_message(&mut self, now: Instant, carrier: CarrierId, message: Message) {
        if self.carrier() == Some(carrier) && !self.is_closed() {
            self.heard(now);
            self.inbox.push(message);
        }
    }

    /// Messages of the peer that came beside the carrier, such as in a POST, all of them or none. One that comes when the
    /// session is about to close is dropped. Wait while [`Session::inbox_is_full`]; what comes at once is not cut.
    pub fn handle_posted(&mut self, messages: Vec<Message>) {
        if !self.is_closing() {
            messages.into_iter().for_each(|message| self.inbox.push(message));
        }
    }
}
