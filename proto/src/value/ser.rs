//! Any type that serde can write, as a [`Value`].

use super::Value;
use serde::Serialize;
use thiserror::Error;

/// Why a type has no [`Value`], or a [`Value`] does not fit a type. The text says what.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ValueError(pub String);

/// Writes `data` as a value. Struct fields and unit variants become keywords, map keys of type `String` stay strings.
///
/// # Errors
/// When `data`'s own `Serialize` fails.
pub fn to_value<T: Serialize + ?Sized>(_data: &T) -> Result<Value, ValueError> {
    Err(ValueError("being written".to_owned()))
}
