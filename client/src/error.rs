//! One enum for each question a caller asks.

#[cfg(not(target_arch = "wasm32"))]
use crate::outbox::OutboxError;
#[cfg(not(target_arch = "wasm32"))]
use std::time::Duration;
use thiserror::Error;
#[cfg(not(target_arch = "wasm32"))]
use tsugi_proto::Close;
use tsugi_proto::connection::{BadClientId, Loss, RequestError as Unanswered, SendError as Unsent};
use tsugi_proto::event::EventError;
use tsugi_proto::value::ValueError;

/// Why no client could be made. All but `Random` and `Roots` are mistakes of the caller.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Not an absolute `http`, `https`, `ws` or `wss` URL, or one with a password in it.
    #[error("not a URL to connect to: {0:?}; write it like https://chat.example/chsk")]
    Url(String),
    /// A header's name or value holds what it may not.
    #[error("the header {0:?} cannot be sent")]
    Header(String),
    /// See [`ClientBuilder::client_id`](crate::ClientBuilder::client_id).
    #[error(transparent)]
    ClientId(#[from] BadClientId),
    /// There is no default without the feature `json`; name a codec.
    #[error("no codec: name one, or switch the feature json on")]
    NoCodec,
    /// The URL is https, neither `webpki-roots` nor `native-roots` is on, and [`ClientBuilder`](crate::ClientBuilder) was given no
    /// configuration of its own.
    #[error("no TLS: switch the feature webpki-roots or native-roots on, or say whom to trust")]
    NoTls,
    /// The operating system has no roots of trust to read.
    #[error("no roots of trust: {0}")]
    Roots(std::io::Error),
    /// There is no outbox to be had where [`ClientBuilder::outbox`](crate::ClientBuilder::outbox) wants it.
    #[cfg(not(target_arch = "wasm32"))]
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The operating system has no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// A client lives in a tokio runtime, and there is none here. In a browser there is no need of one.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("there is no tokio runtime here: {0}")]
    Runtime(#[from] tokio::runtime::TryCurrentError),
}

/// Why an event was not taken. Nothing of it was sent.
#[derive(Debug, Error)]
pub enum SendError {
    /// The id is none, or the data has no form on the wire. A mistake of the caller.
    #[error(transparent)]
    Event(#[from] EventError),
    /// There is no connection, or no room.
    #[error(transparent)]
    Unsent(#[from] Unsent),
    /// It could not be kept as [`ClientBuilder::outbox`](crate::ClientBuilder::outbox) wants it: the disk is full, or worse. What is
    /// not to be kept can still be sent.
    #[cfg(not(target_arch = "wasm32"))]
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

/// Why a request has no reply, or none that is of use.
#[derive(Debug, Error)]
pub enum RequestError {
    /// It was not taken. Nothing of it was sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The server answered that it failed, or no reply came.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// The reply is not what the program wants.
    #[error("an unexpected reply: {0}")]
    Reply(#[from] ValueError),
}

/// The connection ended for good: nothing more is tried until [`Client::reconnect`](crate::Client::reconnect).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the connection ended: {:?}{}", .0.reason, .0.message.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
pub struct Ended(pub Loss);

/// Why there is no plain WebSocket.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug, Error)]
pub enum WebSocketError {
    /// It can never work: a mistake of the caller.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Nobody answered, or not as a WebSocket server does.
    #[error("no WebSocket: {0}")]
    Unreachable(String),
    /// The answer was another one than that to an upgrade.
    #[error("no WebSocket: the server answered {status} {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The answer's text, at most 4,096 bytes of it.
        message: String,
        /// How long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// Not open within [`handshake_timeout`](crate::ClientBuilder::handshake_timeout). Try again.
    #[error("no WebSocket in time")]
    Timeout,
}

/// How a plain WebSocket ended. Normal.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WebSocketEnd {
    /// The server closed it, or broke the rules of WebSockets: the code says what this end answered.
    #[error("closed: {} {}", .0.code, .0.reason)]
    Closed(Close),
    /// The connection was cut.
    #[error("the connection was lost")]
    Lost,
}

/// Over 1 MiB waits to be written: wait for what comes, and try again.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("too much waits to be written")]
pub struct WebSocketFull;
