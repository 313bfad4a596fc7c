//! When two values are the same, in time that a hostile message cannot make more than (size × depth).

use super::Value;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::LazyLock;

/// One key for the whole process: unordered collections add up the hashes of their elements, so these must agree.
static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) | (Self::Instant(a), Self::Instant(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Self::BigInteger(a), Self::BigInteger(b)) => digits(a) == digits(b),
            (Self::Integer(a), Self::BigInteger(b)) | (Self::BigInteger(b), Self::Integer(a)) => small(b) == Some(*a),
            (Self::Character(a), Self::Character(b)) => a == b,
            (Self::Decimal(a), Self::Decimal(b))
            | (Self::Ratio(a), Self::Ratio(b))
            | (Self::String(a), Self::String(b))
            | (Self::Keyword(a), Self::Keyword(b))
            | (Self::Symbol(a), Self::Symbol(b)) => a == b,
            (Self::List(a), Self::List(b)) | (Self::Vector(a), Self::Vector(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => same_map(a, b),
            (Self::Set(a), Self::Set(b)) => same_set(a, b),
            (Self::Uuid(a), Self::Uuid(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Tagged(a, x), Self::Tagged(b, y)) => a == b && x == y,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Nil => 0_u8.hash(state),
            Self::Boolean(value) => (1_u8, value).hash(state),
            Self::Integer(value) => (2_u8, value).hash(state),
            Self::BigInteger(text) => match small(text) {
                Some(value) => (2_u8, value).hash(state),
                None => (3_u8, digits(text)).hash(state),
            },
            Self::Float(value) if value.is_nan() => 4_u8.hash(state),
            // Adding zero turns -0.0 into 0.0, which are equal.
            Self::Float(value) => (5_u8, (value + 0.0).to_bits()).hash(state),
            Self::Decimal(text) => (6_u8, text).hash(state),
            Self::Ratio(text) => (7_u8, text).hash(state),
            Self::Character(value) => (8_u8, value).hash(state),
            Self::String(text) => (9_u8, text).hash(state),
            Self::Keyword(text) => (10_u8, text).hash(state),
            Self::Symbol(text) => (11_u8, text).hash(state),
            Self::List(elements) => (12_u8, elements).hash(state),
            Self::Vector(elements) => (13_u8, elements).hash(state),
            Self::Map(entries) => (14_u8, sum(entries)).hash(state),
            Self::Set(elements) => (15_u8, sum(elements)).hash(state),
            Self::Instant(value) => (16_u8, value).hash(state),
            Self::Uuid(bytes) => (17_u8, bytes).hash(state),
            Self::Bytes(bytes) => (18_u8, bytes).hash(state),
            Self::Tagged(tag, value) => (19_u8, tag, value).hash(state),
        }
    }
}

fn sum<T: Hash>(elements: &[T]) -> u64 {
    elements.iter().fold(0, |total: u64, element| total.wrapping_add(STATE.hash_one(element)))
}

fn same_map(a: &[(Value, Value)], b: &[(Value, Value)]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let theirs: HashMap<&Value, &Value> = b.iter().map(|(key, value)| (key, value)).collect();
    a.iter().all(|(key, value)| theirs.get(key).is_some_and(|other| *other == value))
}

fn same_set(a: &[Value], b: &[Value]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let theirs: HashMap<&Value, ()> = b.iter().map(|element| (element, ())).collect();
    a.iter().all(|element| theirs.contains_key(element))
}

/// The digits of an integer without what may be written in several ways.
fn digits(text: &str) -> (bool, &str) {
    let negative = text.starts_with('-');
    let magnitude = text.trim_start_matches(['+', '-']).trim_start_matches('0');
    (negative && !magnitude.is_empty(), magnitude)
}

fn small(text: &str) -> Option<i64> {
    text.parse().ok()
}
