//! What carries packets: one WebSocket, or a run of polls and POSTs; and how far the server is with accepting it.

use super::output::{Desk, Output, Path};
use super::poll::Poll;
use super::state::{Loss, Outcome};
use super::websocket::WebSocket;
use crate::close::Close;
use crate::packet::Packet;
use crate::session::Transport;
use crate::time::Instant;

/// The most packets that are kept back for the last poll; see [`Held`].
pub(super) const MAX_HELD: usize = 1_000;

#[derive(Debug)]
pub(super) struct Carrier {
    pub(super) link: Link,
    pub(super) phase: Phase,
    /// A WebSocket that was welcomed while a poll is still outstanding.
    pub(super) held: Option<Held>,
}

#[derive(Debug)]
pub(super) enum Link {
    WebSocket(WebSocket),
    Poll(Poll),
}

/// What the server has yet to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Handshake,
    Welcome,
    Open,
}

/// What must not be seen before the last poll's content.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) outcome: Outcome,
    pub(super) packets: Vec<Packet>,
    /// The WebSocket is gone already. What it brought is the application's all the same.
    pub(super) lost: Option<Loss>,
}

impl Carrier {
    pub(super) fn open(desk: &mut Desk, now: Instant, transport: Transport) -> Self {
        let link = match transport {
            Transport::WebSocket => Link::WebSocket(WebSocket::open(desk, now)),
            Transport::Poll => Link::Poll(Poll::open(desk, now)),
        };
        Self { link, phase: Phase::Handshake, held: None }
    }

    pub(super) fn path(&self) -> Path {
        match &self.link {
            Link::WebSocket(websocket) => websocket.path,
            Link::Poll(poll) => poll.path,
        }
    }

    pub(super) fn begin(&mut self, desk: &mut Desk, now: Instant) {
        self.phase = Phase::Open;
        match &mut self.link {
            Link::WebSocket(websocket) => websocket.begin(desk, now),
            Link::Poll(poll) => poll.begin(desk, now),
        }
    }

    /// Ends it without a word to the application.
    pub(super) fn release(&mut self, desk: &mut Desk, close: Close) {
        let gone = self.held.as_ref().is_some_and(|held| held.lost.is_some());
        match &mut self.link {
            Link::WebSocket(websocket) if !gone => desk.put(Output::Disconnect { path: websocket.path, close }),
            Link::WebSocket(_) => {}
            Link::Poll(poll) => poll.abort(desk),
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match &self.link {
            Link::WebSocket(websocket) => websocket.next_timeout(),
            Link::Poll(poll) => poll.next_timeout(),
        }
    }
}
