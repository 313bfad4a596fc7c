//! What the server says before anything else: docs/wire.md, "Shaking hands".

use super::state::{GapReason, Outcome};
use crate::value::Value;
use std::sync::Arc;
use std::time::Duration;

/// What a server says of itself; assumed of a plain Sente server, which says nothing.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// `None`: plain Sente, which has no sessions, or none yet.
    pub(super) session: Option<Arc<str>>,
    pub(super) ping: Duration,
    pub(super) ping_timeout: Duration,
    pub(super) poll: Duration,
    pub(super) max_message: usize,
    /// After so many items, and so long after the first, the server wants to hear that they arrived.
    pub(super) ack_items: u64,
    pub(super) ack_after: Duration,
}

impl Terms {
    /// Half of Sente's 20 s, as its own client does; it holds polls for up to a minute.
    pub(super) const SENTE: Self = Self {
        session: None,
        ping: Duration::from_secs(10),
        ping_timeout: Duration::from_secs(5),
        poll: Duration::from_secs(50),
        max_message: usize::MAX,
        ack_items: u64::MAX,
        ack_after: Duration::MAX,
    };
}

pub(super) struct Handshake {
    pub(super) user: Option<Value>,
    pub(super) data: Value,
    /// `None` from a server without the extension.
    pub(super) terms: Option<Terms>,
}

pub(super) struct Welcome {
    pub(super) session: Arc<str>,
    pub(super) outcome: Outcome,
    /// The number of the next item on this carrier; `None` from a server that counts nothing.
    pub(super) next: Option<u64>,
    /// Why the session of before is gone.
    pub(super) why: Option<GapReason>,
    /// How much of the outbox the server has taken, and how much of that handled.
    pub(super) taken: u64,
    pub(super) handled: u64,
}

/// `[:chsk/handshake [uid csrf data extension]]`
pub(super) fn read_handshake(payload: &Value) -> Option<Handshake> {
    let [id, arguments, ..] = payload.as_elements()? else { return None };
    if id.as_text() != Some("chsk/handshake") {
        return None;
    }
    let arguments = arguments.as_elements()?;
    let argument = |index: usize| arguments.get(index).cloned().unwrap_or_default();
    let user = argument(0);
    let nobody = user.is_nil() || user.as_text() == Some("sente/nil-uid");
    Some(Handshake { user: (!nobody).then_some(user), data: argument(2), terms: arguments.get(3).and_then(read_terms) })
}

fn read_terms(extension: &Value) -> Option<Terms> {
    let number = |name: &str| natural(extension.get(name));
    let millis = |name: &str, otherwise: u64| Duration::from_millis(number(name).unwrap_or(otherwise));
    number("tsugi")?;
    Some(Terms {
        session: None,
        ping: millis("ping-ms", 25_000),
        ping_timeout: millis("ping-timeout-ms", 5_000),
        poll: millis("poll-ms", 20_000),
        max_message: usize::try_from(number("max-message").unwrap_or(65_536)).unwrap_or(usize::MAX),
        ack_items: number("ack-items").unwrap_or(64),
        ack_after: millis("ack-ms", 5_000),
    })
}

/// `[:chsk/welcome {:session "…", :outcome :resumed, :next 18}]`
pub(super) fn read_welcome(payload: &Value) -> Option<Welcome> {
    let [id, about, ..] = payload.as_elements()? else { return None };
    if id.as_text() != Some("chsk/welcome") {
        return None;
    }
    let resumed = about.get("outcome").and_then(Value::as_text) == Some("resumed");
    let outcome = if resumed { Outcome::Resumed } else { Outcome::New };
    let why = about.get("why").map(|why| GapReason::of(why.as_text()));
    let next = natural(about.get("next"));
    let count = |name: &str| natural(about.get(name)).unwrap_or(0);
    let session = about.get("session")?.as_text()?.into();
    Some(Welcome { session, outcome, next, why, taken: count("taken"), handled: count("handled") })
}

/// A number of an item.
pub(super) fn natural(value: Option<&Value>) -> Option<u64> {
    match value {
        Some(Value::Integer(number)) => u64::try_from(*number).ok().filter(|number| *number > 0),
        _ => None,
    }
}
