//! How a connection is doing: one value that a badge can show.

use super::path::Verdict;
use crate::close::{Close, CloseCode, Retry};
use crate::session::Transport;
use crate::time::Instant;
use crate::value::Value;
use std::time::Duration;

/// How a connection is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum State {
    /// [`open`](super::Connection::open) was not called yet.
    #[default]
    Idle,
    /// On the way.
    Connecting {
        /// By what.
        transport: Transport,
        /// The number of attempts that failed since the last good connection.
        attempt: u32,
    },
    /// Events go both ways.
    Open(Open),
    /// Lost, or never there; the next attempt is made at `until`.
    Waiting {
        /// When.
        until: Instant,
        /// The number of attempts that failed since the last good connection.
        attempt: u32,
        /// Why.
        loss: Loss,
    },
    /// Nothing more is tried until [`reconnect`](super::Connection::reconnect).
    Closed(Loss),
}

/// An open connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// By what.
    pub transport: Transport,
    /// Who the server says this is; `None` for an anonymous user. Text from a Tsugi server; Sente's ids may be any value.
    pub user: Option<Value>,
    /// What the application put into the handshake.
    pub data: Value,
    /// Whether what came before goes on.
    pub outcome: Outcome,
    /// While polling: why not by WebSocket.
    pub why: Verdict,
}

/// Whether a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new session, or a server without sessions. What waited in the outbox goes on, but for requests that a plain Sente server
    /// had: those have failed.
    New,
    /// The session of before.
    Resumed,
}

/// Events and replies that the server sent, or would have, and this client will never get. What the application does about
/// it is its own: ask again for what it shows, most often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The number of the first; items are counted from 1 in each session.
    pub from: u64,
    /// The number of the last; `None` when nobody knows.
    pub to: Option<u64>,
    /// Why.
    pub why: GapReason,
}

/// Why something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// More waited than the server keeps.
    Overflow,
    /// The client was away for longer than the server keeps a session.
    Expired,
    /// The server was restarted.
    Restarted,
    /// The two ends counted differently.
    Desync,
}

impl GapReason {
    /// As the wire has it. What is not known says least: the session is gone.
    pub(super) fn of(name: Option<&str>) -> Self {
        match name {
            Some("overflow") => Self::Overflow,
            Some("restarted") => Self::Restarted,
            Some("desync") => Self::Desync,
            _ => Self::Expired,
        }
    }
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The network failed, or nobody answered.
    Network,
    /// The handshake, a ping's answer or an HTTP answer did not come in time.
    Timeout,
    /// The server closed; the code and text say why.
    Server,
    /// The server is busy or shutting down, and said when to come back (503, or before it closed).
    Busy,
    /// The server refuses this client (401, 402, 403). It stays so until `reconnect`.
    Refused,
    /// The server calls the request a mistake (400): an unknown codec, a bad client id.
    Rejected,
    /// The server sent what cannot be understood.
    BadFrame,
    /// The server no longer knows the session.
    SessionGone,
    /// Another connection took the session over.
    Replaced,
    /// `close` was called.
    Closed,
}

/// How a connection came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// In one word.
    pub reason: Reason,
    /// The close code, where there is one.
    pub code: Option<CloseCode>,
    /// The HTTP status, where there is one.
    pub status: Option<u16>,
    /// For people.
    pub message: Option<String>,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// A server may not ask for more.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);
/// Bytes of an error's text that are kept.
const MAX_MESSAGE: usize = 200;

impl Loss {
    pub(super) fn new(reason: Reason) -> Self {
        Self { reason, code: None, status: None, message: None, retry_after: None }
    }

    pub(super) fn because(reason: Reason, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..Self::new(reason) }
    }

    /// A close frame of the server; `None` is a connection that was cut.
    pub(super) fn of_close(close: Option<Close>) -> Self {
        let Some(Close { code, reason }) = close else {
            return Self { code: Some(CloseCode::ABNORMAL), ..Self::new(Reason::Network) };
        };
        let why = match code {
            CloseCode::ABNORMAL => Reason::Network,
            CloseCode::TAKEN_OVER => Reason::Replaced,
            _ => Reason::Server,
        };
        let message = Some(reason.to_string()).filter(|text| !text.is_empty());
        Self { code: Some(code), message, ..Self::new(why) }
    }

    /// An answer other than 200.
    pub(super) fn of_status(status: u16, text: &[u8], retry_after: Option<Duration>) -> Self {
        let reason = match status {
            400 => Reason::Rejected,
            401..=403 => Reason::Refused,
            409 => Reason::SessionGone,
            503 => Reason::Busy,
            _ => Reason::Network,
        };
        let text = String::from_utf8_lossy(&text[..text.len().min(MAX_MESSAGE)]).into_owned();
        Self {
            status: Some(status),
            message: Some(text).filter(|text| !text.is_empty()),
            retry_after: retry_after.map(|wait| wait.min(MAX_RETRY_AFTER)),
            ..Self::new(reason)
        }
    }

    /// Whether trying again is useless.
    pub(super) fn is_final(&self) -> bool {
        let told = self.code.is_some_and(|code| code.retry() == Retry::Stop);
        told || matches!(self.reason, Reason::Refused | Reason::Rejected)
    }

    /// Whether somebody broke a rule, which three times in a row is enough.
    pub(super) fn is_violation(&self) -> bool {
        let told = self.code.is_some_and(|code| code.retry() == Retry::AtMostThree);
        told || self.reason == Reason::BadFrame
    }
}
