//! `[:chsk/hello {…}]` (docs/wire.md).

use crate::kit::{Kit, keyword};
use tsugi_proto::Value;
use tsugi_proto::packet::Received;

/// What a client says first, where something must be said before anything else.
pub(crate) struct Hello {
    pub(crate) session: Option<String>,
    pub(crate) csrf: Option<String>,
    /// How many items of that session it has; `None` from a client that does not count.
    pub(crate) received: Option<u64>,
    /// The name of its outbox; `None` from a client that numbers nothing.
    pub(crate) outbox: Option<[u8; 16]>,
    /// The last item of the outbox that it ever sent.
    pub(crate) sent: u64,
    /// Which of its hellos this is; 0 from a client that does not say. One that comes late must not undo a later one.
    pub(crate) attempt: u64,
}

impl Hello {
    pub(crate) fn read(kit: &Kit, received: &Received) -> Option<Self> {
        let Received::Event { id, data, .. } = received else { return None };
        if id.as_str() != "chsk/hello" {
            return None;
        }
        let data: Value = tsugi_proto::codec::deserialize(kit.codec.as_ref(), data.as_ref()).ok()?;
        Some(Self {
            session: field(&data, "session"),
            csrf: field(&data, "csrf"),
            received: natural(data.get("received")),
            outbox: match field(&data, "outbox") {
                Some(text) => Some(name_of_outbox(&text)?),
                None => None,
            },
            sent: natural(data.get("sent")).unwrap_or(0),
            attempt: natural(data.get("attempt")).unwrap_or(0),
        })
    }
}

fn field(data: &Value, name: &str) -> Option<String> {
    if let Value::String(text) = data.get(name)? { Some(text.to_string()) } else { None }
}

/// 32 hexadecimal digits, in lower case.
fn name_of_outbox(text: &str) -> Option<[u8; 16]> {
    let plain = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    plain.then(|| u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes))?
}

/// A count of items in a value.
pub(crate) fn natural(value: Option<&Value>) -> Option<u64> {
    match value {
        Some(Value::Integer(number)) => u64::try_from(*number).ok(),
        _ => None,
    }
}

/// A count of items as a value.
pub(crate) fn count(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// What a client will not get, and why, as the application is told of it.
pub(crate) fn gap(from: u64, to: Option<u64>, why: &'static str) -> Value {
    let mut gap = vec![(keyword("from"), count(from))];
    gap.extend(to.map(|to| (keyword("to"), count(to))));
    gap.push((keyword("why"), keyword(why)));
    Value::Map(gap)
}
