//! What carries packets: one WebSocket, or a run of polls and POSTs; and how far the server is with accepting it.

use super::output::{Desk, Output, Path};
use super::poll::Poll;
use super::websocket::WebSocket;
use crate::close::Close;
use crate::session::Transport;
use crate::time::Instant;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Carrier {
    pub(super) link: Link,
    pub(super) phase: Phase,
    /// The number of the next item that it brings; `None` where nothing is counted.
    pub(super) next: Option<u64>,
    /// The server is about to end it, and wants to be left alone for so long.
    pub(super) slot: Option<Duration>,
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

impl Carrier {
    pub(super) fn open(desk: &mut Desk, now: Instant, transport: Transport) -> Self {
        let link = match transport {
            Transport::WebSocket => Link::WebSocket(WebSocket::open(desk, now)),
            Transport::Poll => Link::Poll(Poll::open(desk, now)),
        };
        Self { link, phase: Phase::Handshake, next: None, slot: None }
    }

    pub(super) fn path(&self) -> Path {
        match &self.link {
            Link::WebSocket(websocket) => websocket.path,
            Link::Poll(poll) => poll.path,
        }
    }

    pub(super) fn begin(&mut self, desk: &mut Desk, now: Instant, received: u64) {
        self.phase = Phase::Open;
        match &mut self.link {
            Link::WebSocket(websocket) => websocket.begin(desk, now),
            Link::Poll(poll) => poll.begin(desk, now, received),
        }
    }

    /// Ends it without a word to the application.
    pub(super) fn release(&mut self, desk: &mut Desk, close: Close) {
        match &mut self.link {
            Link::WebSocket(websocket) => desk.put(Output::Disconnect { path: websocket.path, close }),
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
