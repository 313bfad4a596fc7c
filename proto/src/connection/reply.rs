//! How what was sent ended.

use crate::value::Value;
use thiserror::Error;

/// The server's word for what went wrong with a request: `[:chsk/error {…}]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// `unknown-event`, `bad-data`, `failed`, … or a code of the application's own; docs/wire.md, "Packets".
    pub code: String,
    /// For people; may be empty.
    pub message: String,
    /// Whatever else the application says.
    pub data: Value,
}

/// Why an event was not handled, as far as is known, or a request has no reply. All are normal; only the first says anything
/// about what the server did.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum RequestError {
    /// The server answered that it failed.
    #[error("the server answered {}: {}", .0.code, .0.message)]
    Failed(Failure),
    /// It was not done within its own time. If it was sent, it may have been handled all the same.
    #[error("not done in time")]
    Timeout,
    /// It was handled, and its reply will not come: that reached an earlier life of this outbox, in the moment of its end, or the
    /// server could not keep it.
    #[error("handled, and the reply was lost")]
    ReplyLost,
    /// Taken back by [`Connection::cancel`](super::Connection::cancel). It was never sent.
    #[error("cancelled")]
    Cancelled,
    /// The server now takes this client for another user, in whose name it is not said.
    #[error("the client is another user now")]
    OtherUser,
    /// The server that it waited for accepts no message of its size.
    #[error("too large for the server")]
    TooLarge,
    /// A plain Sente server was lost that would have answered. It may have been handled all the same.
    #[error("the connection was lost before the reply came")]
    Disconnected,
    /// The connection was closed for good.
    #[error("the connection was closed")]
    Closed,
    /// The server did not take the POST that held it: nothing was handled. 413 means that it was too large.
    #[error("the server did not take it ({0})")]
    Refused(u16),
}

/// How it ended: a request with its reply, an event with nil.
pub type Reply = Result<Value, RequestError>;

/// Reads a reply, which may be the server's word that it failed.
pub(super) fn read_reply(payload: Value) -> Reply {
    let Some([id, about, ..]) = payload.as_elements() else { return Ok(payload) };
    if id.as_text() != Some("chsk/error") {
        return Ok(payload);
    }
    let text = |name: &str| about.get(name).and_then(Value::as_text).map(str::to_owned);
    Err(RequestError::Failed(Failure {
        code: text("code").unwrap_or_else(|| "failed".to_owned()),
        message: text("message").unwrap_or_default(),
        data: about.get("data").cloned().unwrap_or_default(),
    }))
}

/// Sente answers a POST with the reply itself, or says with bare keywords what went wrong.
pub(super) fn read_sente_reply(payload: Value) -> Reply {
    match payload.as_text() {
        Some("chsk/timeout") => Err(RequestError::Timeout),
        Some("chsk/error" | "chsk/closed") => {
            Err(RequestError::Failed(Failure { code: "failed".to_owned(), message: String::new(), data: Value::Nil }))
        }
        _ => read_reply(payload),
    }
}
