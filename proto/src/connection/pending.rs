//! Requests that wait for their replies. Each settles once, whatever happens.

use crate::time::Instant;
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use thiserror::Error;

/// One request of one connection. Numbers are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(super) u64);

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

/// Why a request has no reply. All are normal; only the first says anything about what the server did.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum RequestError {
    /// The server answered that it failed.
    #[error("the server answered {}: {}", .0.code, .0.message)]
    Failed(Failure),
    /// No reply came within the request's own time. It may have been handled all the same.
    #[error("no reply in time")]
    Timeout,
    /// The session is gone that would have answered. It may have been handled all the same.
    #[error("the connection was lost before the reply came")]
    Disconnected,
    /// The connection was closed for good.
    #[error("the connection was closed")]
    Closed,
    /// The server did not take the POST that held it: nothing was handled. 413 means that it was too large.
    #[error("the server did not take it ({0})")]
    Refused(u16),
}

/// How a request ended.
pub type Reply = Result<Value, RequestError>;

#[derive(Debug, Default)]
pub(super) struct Pending {
    deadlines: BTreeMap<RequestId, Instant>,
    /// The same, by time.
    by_time: BTreeSet<(Instant, RequestId)>,
    last: u64,
}

/// Sente counts requests in six hex digits.
const HEX_SLOTS: u64 = 0x100_0000;

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.deadlines.len()
    }

    /// The request that [`Pending::add`] would add.
    pub(super) fn peek_id(&self) -> RequestId {
        RequestId(self.last + 1)
    }

    pub(super) fn add(&mut self, deadline: Instant) -> RequestId {
        self.last += 1;
        let id = RequestId(self.last);
        self.deadlines.insert(id, deadline);
        self.by_time.insert((deadline, id));
        id
    }

    /// Whether the request was still waiting. One that was not got its reply too late, or twice: nobody wants it.
    pub(super) fn take(&mut self, id: RequestId) -> bool {
        let Some(deadline) = self.deadlines.remove(&id) else { return false };
        self.by_time.remove(&(deadline, id))
    }

    /// The request that a slot names, if it names one at all.
    pub(super) fn named_by(&self, slot: &Value) -> Option<RequestId> {
        match slot {
            Value::Integer(number) => u64::try_from(*number).ok().map(RequestId),
            Value::String(hex) => self.named_by_hex(u64::from_str_radix(hex, 16).ok()?),
            _ => None,
        }
    }

    /// The last request whose number ends in these digits.
    fn named_by_hex(&self, low: u64) -> Option<RequestId> {
        let high = self.last - self.last % HEX_SLOTS;
        let id = high + low % HEX_SLOTS;
        let id = if id > self.last { id.checked_sub(HEX_SLOTS)? } else { id };
        Some(RequestId(id))
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.by_time.first().map(|(deadline, _)| *deadline)
    }

    pub(super) fn take_due(&mut self, now: Instant) -> Option<RequestId> {
        let (_, id) = *self.by_time.first().filter(|(deadline, _)| *deadline <= now)?;
        self.take(id);
        Some(id)
    }

    /// Takes all but those of `keep`, in order.
    pub(super) fn take_all(&mut self, keep: &HashSet<RequestId>) -> Vec<RequestId> {
        let gone: Vec<_> = self.deadlines.keys().copied().filter(|id| !keep.contains(id)).collect();
        for id in &gone {
            self.take(*id);
        }
        gone
    }
}

impl RequestId {
    /// Its slot for Sente, which counts in six hex digits.
    pub(super) fn hex(self) -> Value {
        Value::String(format!("{:06x}", self.0 % HEX_SLOTS).into())
    }

    /// Its slot for Tsugi.
    pub(super) fn number(self) -> Value {
        Value::Integer(i64::try_from(self.0).unwrap_or(i64::MAX))
    }
}

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
