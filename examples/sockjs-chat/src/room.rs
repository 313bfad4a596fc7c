//! Who is in the room, and what they hear. Messages are JSON, `[type, data]`.

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tsugi::{BoxError, Socket};

/// Characters of a text, and of a name, that are kept.
const MAX_TEXT: usize = 140;
const MAX_NAME: usize = 20;
/// What may wait for one person. Who reads more slowly than the room talks, leaves it.
const MAX_WAITING: usize = 256;

/// Everybody in the room by number. Locked for a look or a change, never while anything is sent over a network.
#[derive(Default)]
pub(crate) struct Room(Mutex<People>);

#[derive(Default)]
struct People {
    last: u64,
    by_number: BTreeMap<u64, Person>,
}

struct Person {
    name: String,
    hears: mpsc::Sender<String>,
}

/// Who hears of something.
#[derive(Clone, Copy)]
enum Whom {
    Only(u64),
    AllBut(u64),
    All,
}

impl Whom {
    fn holds(self, number: u64) -> bool {
        match self {
            Self::Only(one) => number == one,
            Self::AllBut(one) => number != one,
            Self::All => true,
        }
    }
}

/// What a page sends.
#[derive(Deserialize)]
#[serde(tag = "0", content = "1", rename_all = "kebab-case")]
enum Said {
    Text { message: String },
    ChangeName { name: String },
}

impl Room {
    /// One person's stay, from the opening of the socket to its end.
    pub(crate) async fn welcome(self: Arc<Self>, socket: Socket) -> Result<(), BoxError> {
        let (mut incoming, mut outgoing, _errors) = socket.split();
        let (hears, mut heard) = mpsc::channel(MAX_WAITING);
        let number = self.enter(hears);
        let outcome = loop {
            tokio::select! {
                message = incoming.recv() => match message {
                    Some(message) => self.said(number, message.as_bytes()),
                    None => break Ok(()),
                },
                text = heard.recv() => match text {
                    Some(text) => if let Err(error) = outgoing.send(text).await { break Err(error.into()) },
                    None => break Err("too slow for this room".into()),
                },
            }
        };
        self.leave(number);
        outcome
    }

    fn people(&self) -> std::sync::MutexGuard<'_, People> {
        // A panic in here leaves the map as it was before or after a change, so it can be gone on with.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, hears: mpsc::Sender<String>) -> u64 {
        let mut people = self.people();
        people.last += 1;
        let number = people.last;
        let name = people.guest();
        people.by_number.insert(number, Person { name: name.clone(), hears });
        let users: Vec<&str> = people.by_number.values().map(|person| person.name.as_str()).collect();
        let init = json!(["init", { "name": name, "users": users }]);
        people.tell(Whom::Only(number), &init);
        people.tell(Whom::AllBut(number), &json!(["new-user", { "name": name }]));
        number
    }

    fn leave(&self, number: u64) {
        let mut people = self.people();
        if let Some(person) = people.by_number.remove(&number) {
            people.tell(Whom::All, &json!(["user-left", { "name": person.name }]));
        }
    }

    /// What makes no sense is passed over: a page of an earlier version must not lose its connection.
    fn said(&self, number: u64, message: &[u8]) {
        let Ok((kind, data)) = serde_json::from_slice::<(String, Value)>(message) else { return };
        let Ok(said) = serde_json::from_value::<Said>(json!({ "0": kind, "1": data })) else { return };
        match said {
            Said::Text { message } => self.text(number, &message),
            Said::ChangeName { name } => self.rename(number, name.trim()),
        }
    }

    fn text(&self, number: u64, message: &str) {
        let mut people = self.people();
        let Some(name) = people.by_number.get(&number).map(|person| person.name.clone()) else { return };
        let message: String = message.chars().take(MAX_TEXT).collect();
        if !message.trim().is_empty() {
            people.tell(Whom::AllBut(number), &json!(["text", { "name": name, "message": message }]));
        }
    }

    fn rename(&self, number: u64, name: &str) {
        let mut people = self.people();
        let taken = people.by_number.iter().any(|(other, person)| *other != number && person.name == name);
        let Some(person) = people.by_number.get_mut(&number) else { return };
        if taken || name.is_empty() || name.chars().count() > MAX_NAME {
            people.tell(Whom::Only(number), &json!(["name-refused", { "name": name }]));
            return;
        }
        let old = std::mem::replace(&mut person.name, name.to_owned());
        people.tell(Whom::All, &json!(["change-name", { "oldName": old, "newName": name }]));
    }
}

impl People {
    /// The first guest's name that nobody has.
    fn guest(&self) -> String {
        let free = (1..).map(|n| format!("Guest {n}"));
        let taken = |name: &String| self.by_number.values().any(|person| person.name == *name);
        free.into_iter().find(|name| !taken(name)).unwrap_or_default()
    }

    /// Whoever has no room for another message is put out, and told of by the end of its own channel.
    fn tell(&mut self, whom: Whom, what: &Value) {
        let text = what.to_string();
        let slow: Vec<u64> = self
            .by_number
            .iter()
            .filter(|(number, person)| whom.holds(**number) && person.hears.try_send(text.clone()).is_err())
            .map(|(number, _)| *number)
            .collect();
        for number in slow {
            if let Some(person) = self.by_number.remove(&number) {
                self.tell(Whom::All, &json!(["user-left", { "name": person.name }]));
            }
        }
    }
}
