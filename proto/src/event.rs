//! Events: a namespaced id and perhaps data.

use crate::value::{Value, ValueError, to_value};
use serde::Serialize;
use smol_str::SmolStr;
use std::fmt;
use thiserror::Error;

/// The name of an event: `namespace/name`, written `:namespace/name` in EDN and `"namespace/name"` in JSON.
/// Making and cloning one of up to 23 bytes, as nearly all are, takes no memory; a longer one shares its text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(SmolStr);

/// Text that is not an event id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not an event id: write it namespace/name, without spaces")]
pub struct EventIdError(pub String);

impl EventId {
    /// Checks and keeps an id.
    ///
    /// # Errors
    /// When there is no namespace, no name, or a character that no keyword may hold.
    pub fn new(id: impl AsRef<str>) -> Result<Self, EventIdError> {
        let id = id.as_ref();
        if Self::is_valid(id) { Ok(Self(SmolStr::new(id))) } else { Err(EventIdError(id.to_owned())) }
    }

    /// An id that is written in the program and known to be one.
    ///
    /// # Panics
    /// When it is not, so that the first test finds it.
    #[must_use]
    pub fn of_static(id: &'static str) -> Self {
        assert!(Self::is_valid(id), "not an event id: {id:?}");
        Self(SmolStr::new_static(id))
    }

    /// Whether `id` would be accepted by [`EventId::new`].
    #[must_use]
    pub fn is_valid(id: &str) -> bool {
        let Some(slash) = id.bytes().position(|byte| byte == b'/') else { return false };
        let is_divided = slash > 0 && slash + 1 < id.len();
        let is_plain = |byte: &u8| matches!(PLAIN.get(usize::from(*byte)), Some(true));
        is_divided && !id.starts_with(':') && (id.as_bytes().iter().all(is_plain) || id.chars().all(may_stand_in_an_id))
    }

    /// The text, without a colon.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the id is in the namespace `chsk`, which belongs to the protocol.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with("chsk/")
    }
}

/// Which characters of ASCII may stand in an id. Asked for each character of each event that comes in.
static PLAIN: [bool; 128] = {
    let mut may = [true; 128];
    let mut byte = 0;
    while byte < may.len() {
        // Spaces and control characters, of which the last is DEL.
        may[byte] = byte > 0x20 && byte < 0x7f;
        byte += 1;
    }
    let mut forbidden: &[u8] = b"()[]{}\",;@^`~\\";
    while let [byte, rest @ ..] = forbidden {
        may[*byte as usize] = false;
        forbidden = rest;
    }
    may
};

fn may_stand_in_an_id(character: char) -> bool {
    match PLAIN.get(character as usize) {
        Some(may) => *may,
        None => !character.is_whitespace() && !character.is_control(),
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}", self.0)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event to be sent: `[id]` or `[id data]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name.
    pub id: EventId,
    /// Its data; `None` is written as `[id]`, which is not the same as `[id nil]`.
    pub data: Option<Value>,
}

/// Why an event could not be made. Both are mistakes of the caller.
#[derive(Debug, Error)]
pub enum EventError {
    /// The id is not one.
    #[error(transparent)]
    Id(#[from] EventIdError),
    /// The data has no form on the wire.
    #[error(transparent)]
    Data(#[from] ValueError),
}

impl Event {
    /// An event with data of any type that serde can write.
    ///
    /// # Errors
    /// When the id is malformed or the data cannot be expressed as a [`Value`].
    pub fn new<T: Serialize + ?Sized>(id: impl AsRef<str>, data: &T) -> Result<Self, EventError> {
        Ok(Self { id: EventId::new(id)?, data: Some(to_value(data)?) })
    }

    /// An event without data.
    ///
    /// # Errors
    /// When the id is malformed.
    pub fn bare(id: impl AsRef<str>) -> Result<Self, EventError> {
        Ok(Self { id: EventId::new(id)?, data: None })
    }
}

#[cfg(test)]
mod tests {
    use super::EventId;

    #[test]
    fn an_id_holds_no_character_that_ends_or_begins_something_else() {
        for character in (0..0x3_000).filter_map(char::from_u32) {
            let forbidden =
                character.is_whitespace() || character.is_control() || "()[]{}\",;@^`~\\".contains(character);
            assert_eq!(EventId::is_valid(&format!("a/b{character}c")), !forbidden, "{character:?}");
        }
    }
}
