//! Events: a namespaced id and perhaps data.

use crate::value::{Value, ValueError, to_value};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// The name of an event: `namespace/name`, written `:namespace/name` in EDN and `"namespace/name"` in JSON.
/// Cloning shares the text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Arc<str>);

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
        if Self::is_valid(id) { Ok(Self(id.into())) } else { Err(EventIdError(id.to_owned())) }
    }

    /// An id that is written in the program and known to be one.
    ///
    /// # Panics
    /// When it is not, so that the first test finds it.
    #[must_use]
    pub fn of_static(id: &'static str) -> Self {
        assert!(Self::is_valid(id), "not an event id: {id:?}");
        Self(id.into())
    }

    /// Whether `id` would be accepted by [`EventId::new`].
    #[must_use]
    pub fn is_valid(id: &str) -> bool {
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || "()[]{}\",;@^`~\\".contains(c);
        match id.split_once('/') {
            Some((namespace, name)) => {
                !namespace.is_empty() && !name.is_empty() && !id.starts_with(':') && !id.contains(forbidden)
            }
            None => false,
        }
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
