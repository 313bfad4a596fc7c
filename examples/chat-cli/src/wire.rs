//! What goes over the channel: the parts of it that a terminal shows.

use serde::{Deserialize, Serialize};

#[derive(Clone, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) name: String,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Room {
    pub(crate) id: i64,
    pub(crate) name: String,
}

#[derive(Deserialize)]
pub(crate) struct Message {
    pub(crate) id: i64,
    pub(crate) room: i64,
    pub(crate) by: Person,
    pub(crate) text: String,
}

#[derive(Deserialize)]
pub(crate) struct History {
    pub(crate) messages: Vec<Message>,
}

#[derive(Deserialize)]
pub(crate) struct Everybody {
    pub(crate) people: Vec<Person>,
    pub(crate) count: u64,
}

#[derive(Deserialize)]
pub(crate) struct Welcome {
    pub(crate) rooms: Vec<Room>,
    pub(crate) online: Everybody,
}

/// Who came or went. The server says one of them.
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

#[derive(Serialize)]
pub(crate) struct Wanted {
    pub(crate) room: i64,
    pub(crate) after: Option<i64>,
}

#[derive(Serialize)]
pub(crate) struct Say {
    pub(crate) room: i64,
    pub(crate) text: String,
    pub(crate) key: String,
}
