//! What a session answers.

use super::Transport;
use crate::close::Close;
use crate::framing::Frame;
use thiserror::Error;

/// One carrier of one session. Numbers are never used twice, so that a late call of an old carrier is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CarrierId(pub(super) u32);

/// What a carrier has to do now.
#[derive(Debug)]
pub enum Transmit {
    /// Write this frame; the carrier ends with it when `last`.
    Frame {
        /// The frame.
        frame: Frame,
        /// Whether the carrier's capacity is used up; the session is detached from it already.
        last: bool,
    },
    /// Nothing now.
    Pending,
    /// Close, then end. The session is over.
    Close(Close),
    /// End: another carrier has the session.
    Fenced,
}

/// What happened to a session, for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The peer is reachable, over this transport. Again when the transport changes.
    Online(Transport),
    /// The peer has had no carrier for its grace.
    Offline,
    /// The session is about to say that it is over, and its peer may lack these replies to items of its outbox, by number.
    Undelivered(Vec<(u64, Frame)>),
    /// The session is over and will do nothing more.
    Closed(Closed),
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The code and reason of whoever closed; 1006 when nobody did.
    pub close: Close,
    /// Who ended it.
    pub by: ClosedBy,
}

/// Who ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedBy {
    /// This end.
    Us,
    /// The peer, with a close of its own.
    Peer,
    /// This end, because the peer broke the protocol.
    Failure,
    /// Nobody: the carrier broke, or stayed away for too long.
    Nobody,
}

/// The queue is full: the session was closed with 3002 and what waited in it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the session's queue is full and the session was closed")]
pub struct QueueFull;

/// Why a session took no item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// The peer reads too slowly; see [`QueueFull`].
    #[error(transparent)]
    Full(#[from] QueueFull),
    /// The session is closed or closing.
    #[error("the session is closed")]
    Closed,
}

/// What the end of a carrier by the peer's close means to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterClose {
    /// The session ends with it: plain sockets.
    End,
    /// The session waits for another carrier: events.
    Detach,
}
