//! `[:chsk/hello {…}]` (docs/wire.md).

use crate::kit::Kit;
use tsugi_proto::Value;
use tsugi_proto::packet::Received;

/// What a client says first, where something must be said before anything else.
pub(crate) struct Hello {
    pub(crate) session: Option<String>,
    pub(crate) csrf: Option<String>,
}

impl Hello {
    pub(crate) fn read(kit: &Kit, received: &Received) -> Option<Self> {
        let Received::Event { id, data, .. } = received else { return None };
        if id.as_str() != "chsk/hello" {
            return None;
        }
        let data: Value = tsugi_proto::codec::deserialize(kit.codec.as_ref(), data.as_deref()).ok()?;
        Some(Self { session: field(&data, "session"), csrf: field(&data, "csrf") })
    }
}

fn field(data: &Value, name: &str) -> Option<String> {
    let Value::Map(entries) = data else { return None };
    let (_, value) = entries.iter().find(|(key, _)| match key {
        Value::Keyword(key) | Value::String(key) => **key == *name,
        _ => false,
    })?;
    if let Value::String(text) = value { Some(text.to_string()) } else { None }
}
