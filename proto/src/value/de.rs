//! A [`Value`] as any type that serde can read.

use super::{Value, ValueError};
use serde::de::DeserializeOwned;

/// Reads `T` out of a value. Keywords and strings both serve as struct fields and variants.
///
/// # Errors
/// When the value does not fit `T`.
pub fn from_value<T: DeserializeOwned>(_value: Value) -> Result<T, ValueError> {
    Err(ValueError("being written".to_owned()))
}
