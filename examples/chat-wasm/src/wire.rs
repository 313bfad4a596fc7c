//! What goes over the channel, both ways.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) name: String,
}

#[derive(Deserialize)]
pub(crate) struct Room {
    pub(crate) id: i64,
    pub(crate) name: String,
}

#[derive(Deserialize)]
pub(crate) struct Listed {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) read: i64,
    pub(crate) unread: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: i64,
    pub(crate) room: i64,
    pub(crate) by: Person,
    pub(crate) text: String,
    /// In ms since 1970.
    pub(crate) at: i64,
    pub(crate) key: String,
}

/// A message before the server has it.
#[derive(Clone, Serialize)]
pub(crate) struct Draft {
    pub(crate) room: i64,
    pub(crate) text: String,
    pub(crate) key: String,
}

#[derive(Deserialize)]
pub(crate) struct Everybody {
    pub(crate) people: Vec<Person>,
    pub(crate) count: usize,
}

/// Who came or went, or everybody. The server says one of them.
#[derive(Deserialize)]
pub(crate) struct Online {
    #[serde(default)]
    pub(crate) came: Option<Person>,
    #[serde(default)]
    pub(crate) went: Option<Gone>,
    #[serde(default)]
    pub(crate) all: Option<Everybody>,
}

#[derive(Deserialize)]
pub(crate) struct Gone {
    pub(crate) id: i64,
}

#[derive(Deserialize)]
pub(crate) struct Typing {
    pub(crate) room: i64,
    pub(crate) by: Person,
}

#[derive(Deserialize)]
pub(crate) struct History {
    /// Oldest first.
    pub(crate) messages: Vec<Message>,
    pub(crate) more: bool,
}

/// Which part of a room's history: the newest where both are `None`.
#[derive(Serialize)]
pub(crate) struct Wanted {
    pub(crate) room: i64,
    pub(crate) before: Option<i64>,
    pub(crate) after: Option<i64>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
pub(crate) struct Mark {
    pub(crate) room: i64,
    pub(crate) message: i64,
}

#[derive(Deserialize)]
pub(crate) struct Limits {
    pub(crate) text: usize,
}

#[derive(Deserialize)]
pub(crate) struct Welcome {
    pub(crate) me: Person,
    pub(crate) rooms: Vec<Listed>,
    pub(crate) online: Everybody,
    pub(crate) limits: Limits,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Device {
    pub(crate) code: String,
    pub(crate) minutes: u64,
}
