//! How a connection ends, and what its end says about coming back.

use crate::message::Utf8Bytes;
use std::fmt;
use thiserror::Error;

/// Why a connection was closed, as a WebSocket close code (RFC 6455 section 7.4).
///
/// The range alone tells a client what to do next; see [`CloseCode::retry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

/// What a client does after a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Reconnect, with backoff.
    Backoff,
    /// Reconnect, but stop after three such closes in a row: trying again is unlikely to help.
    AtMostThree,
    /// Do not reconnect; tell the application.
    Stop,
}

impl CloseCode {
    /// Done, nothing is wrong.
    pub const NORMAL: Self = Self(1000);
    /// This end is going away: a server shuts down, a page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the WebSocket protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// The peer sent text where bytes were expected, or the reverse.
    pub const UNSUPPORTED: Self = Self(1003);
    /// The peer closed without a code. Never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// The connection ended without a close. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// Text that is not UTF-8, or a message that cannot be decoded.
    pub const INVALID_DATA: Self = Self(1007);
    /// The peer broke a rule of this server.
    pub const POLICY: Self = Self(1008);
    /// The message is larger than this end accepts.
    pub const TOO_LARGE: Self = Self(1009);
    /// This end failed: a handler returned an error or panicked.
    pub const INTERNAL: Self = Self(1011);
    /// The server restarts; come back.
    pub const RESTART: Self = Self(1012);
    /// The server is overloaded; come back later.
    pub const TRY_AGAIN: Self = Self(1013);
    /// SockJS: a frame that is no array of strings, or no answer to a heartbeat.
    pub const SOCKJS_BROKEN: Self = Self(3000);
    /// SockJS: the session's receiver vanished.
    pub const SOCKJS_INTERRUPTED: Self = Self(1002);
    /// SockJS: another receiver has the session.
    pub const SOCKJS_STILL_OPEN: Self = Self(2010);
    /// Tsugi: the peer answered no ping in time. Reconnect.
    pub const PING_TIMEOUT: Self = Self(3001);
    /// Tsugi: the peer read too slowly and its queue is full. Reconnect.
    pub const QUEUE_FULL: Self = Self(3002);
    /// Tsugi: another connection took this session over.
    pub const TAKEN_OVER: Self = Self(3500);
    /// Tsugi: no hello arrived in time, or the first frame was not one. Reconnect.
    pub const NO_HELLO: Self = Self(3003);

    /// A code that may be put on the wire: 1000, 1001, 1002, 1003, 1007–1014 or 3000–4999.
    ///
    /// # Errors
    /// For any other number: RFC 6455 reserves it.
    pub fn new(code: u16) -> Result<Self, CloseError> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Self(code)),
            _ => Err(CloseError::Code(code)),
        }
    }

    /// A code as the application uses it: 4000–4499 asks the client to reconnect, 4500–4999 tells it not to.
    ///
    /// Other numbers are moved into 4500; use [`CloseCode::new`] to have them refused instead.
    #[must_use]
    pub const fn app(code: u16) -> Self {
        match code {
            4000..=4999 => Self(code),
            _ => Self(4500),
        }
    }

    /// Takes a number as it was received, whatever it is.
    #[must_use]
    pub const fn received(code: u16) -> Self {
        Self(code)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What a client should do after a close with this code.
    #[must_use]
    pub fn retry(self) -> Retry {
        match self.0 {
            1002 | 1003 | 1007..=1009 => Retry::AtMostThree,
            3500..=3999 | 4500..=4999 => Retry::Stop,
            _ => Retry::Backoff,
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A close that cannot be put on the wire. Both are mistakes of the caller.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CloseError {
    /// RFC 6455 does not allow this code to be sent.
    #[error("close code {0} may not be sent: use 1000-1003, 1007-1014 or 3000-4999")]
    Code(u16),
    /// A close frame holds at most 123 bytes of reason.
    #[error("close reason of {0} bytes is too long: at most 123 fit")]
    Reason(usize),
}

/// A code and a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Why.
    pub code: CloseCode,
    /// For people: at most 123 bytes.
    pub reason: Utf8Bytes,
}

impl Close {
    /// A close that fits a close frame.
    ///
    /// # Errors
    /// When the reason is longer than 123 bytes.
    pub fn new(code: CloseCode, reason: impl Into<Utf8Bytes>) -> Result<Self, CloseError> {
        let reason = reason.into();
        if reason.len() > 123 {
            return Err(CloseError::Reason(reason.len()));
        }
        Ok(Self { code, reason })
    }

    /// A close whose reason is written in this crate or known to fit.
    #[must_use]
    pub const fn because(code: CloseCode, reason: &'static str) -> Self {
        Self { code, reason: Utf8Bytes::from_static(reason) }
    }
}
