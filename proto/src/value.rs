//! The value model: everything EDN can say, which is more than any other codec can.

pub(crate) mod base64;
pub(crate) mod build;
mod compare;
mod de;
mod failure;
pub(crate) mod instant;
pub(crate) mod ser;
mod serde_value;
pub(crate) mod shortcuts;
pub(crate) mod skip;
pub(crate) mod token;
mod walk;

pub use de::from_value;
pub use ser::{ValueError, to_value};

use bytes::Bytes;
use std::sync::Arc;

/// A value as it travels. Maps and sets keep the order they were read or built in, and compare without regard to it.
///
/// Two values are equal as Clojure's `=` has it, with three differences that keep every kind apart: a list never equals
/// a vector, `NaN` equals itself, and decimals and ratios compare as they are written. So `1` equals `1N`, but neither
/// equals `1.0`.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// `nil`.
    #[default]
    Nil,
    /// `true`, `false`.
    Boolean(bool),
    /// An integer of 64 bits.
    Integer(i64),
    /// An integer of any size, in decimal digits with an optional sign: EDN's `1N`, and integers beyond 64 bits.
    BigInteger(Arc<str>),
    /// A floating-point number; `##Inf`, `##-Inf` and `##NaN` too.
    Float(f64),
    /// A decimal of any precision, as written, without the `M`.
    Decimal(Arc<str>),
    /// A ratio, as written: `22/7`.
    Ratio(Arc<str>),
    /// A character.
    Character(char),
    /// Text.
    String(Arc<str>),
    /// A keyword without its colon: `a`, `ns/a`.
    Keyword(Arc<str>),
    /// A symbol.
    Symbol(Arc<str>),
    /// `(1 2)`.
    List(Vec<Value>),
    /// `[1 2]`.
    Vector(Vec<Value>),
    /// `{:a 1}`.
    Map(Vec<(Value, Value)>),
    /// `#{1 2}`.
    Set(Vec<Value>),
    /// `#inst`: milliseconds since 1970-01-01T00:00:00Z.
    Instant(i64),
    /// `#uuid`.
    Uuid([u8; 16]),
    /// Bytes, where the codec has them.
    Bytes(Bytes),
    /// A tagged value that nobody here knows: the tag without `#`, and the value.
    Tagged(Arc<str>, Box<Value>),
}

impl Value {
    /// A keyword, written without its colon.
    #[must_use]
    pub fn keyword(name: &str) -> Self {
        Self::Keyword(name.into())
    }

    /// Text.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self::String(text.into())
    }

    /// Whether this is [`Value::Nil`].
    #[must_use]
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// The text of a string, keyword or symbol: what all of them are in JSON.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Keyword(text) | Self::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a vector, list or set.
    #[must_use]
    pub fn as_elements(&self) -> Option<&[Value]> {
        match self {
            Self::Vector(elements) | Self::List(elements) | Self::Set(elements) => Some(elements),
            _ => None,
        }
    }

    /// What a map holds under the keyword or string `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Self::Map(entries) = self else { return None };
        let named = |candidate: &Value| matches!(candidate, Self::Keyword(k) | Self::String(k) if **k == *key);
        entries.iter().find(|(candidate, _)| named(candidate)).map(|(_, value)| value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::string(text)
    }
}

impl From<Vec<Value>> for Value {
    fn from(elements: Vec<Value>) -> Self {
        Self::Vector(elements)
    }
}
