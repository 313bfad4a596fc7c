//! Values to bytes.

use super::{KEYS, extension};
use crate::codec::{EncodeError, number};
use crate::value::{Value, ser};
use rmp::encode;
use std::collections::HashSet;

fn error(what: impl Into<String>) -> EncodeError {
    EncodeError { codec: "msgpack", what: what.into() }
}

/// What was written, and the keys that a further one may refer to. Writing to a vector cannot fail, so what `rmp` returns
/// says nothing.
#[derive(Default)]
pub(super) struct Writer<'v> {
    pub(super) out: Vec<u8>,
    keys: Keys<'v>,
}

/// The keys of a message so far.
#[derive(Default)]
pub(super) struct Keys<'v>(Vec<(Kind, &'v str)>);

/// What kind of key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Keyword,
    String,
}

impl<'v> Keys<'v> {
    /// The index to refer to. A key that is new has none, but the next of its name will.
    pub(super) fn find(&mut self, kind: Kind, name: &'v str) -> Option<u8> {
        let found = self.0.iter().position(|key| *key == (kind, name));
        if found.is_none() && self.0.len() < KEYS {
            self.0.push((kind, name));
        }
        found.and_then(|index| u8::try_from(index).ok())
    }
}

impl<'v> Writer<'v> {
    /// Writes `value`, with at most `depth` levels of collections.
    pub(super) fn value(&mut self, value: &'v Value, depth: usize) -> Result<(), EncodeError> {
        match value {
            Value::Nil => _ = encode::write_nil(&mut self.out),
            Value::Boolean(value) => _ = encode::write_bool(&mut self.out, *value),
            Value::Integer(value) => integer(&mut self.out, *value),
            Value::BigInteger(text) => integer(&mut self.out, small(text)?),
            Value::Float(value) => _ = encode::write_f64(&mut self.out, *value),
            Value::Decimal(text) => _ = encode::write_f64(&mut self.out, float(text)?),
            Value::Ratio(text) => self.ratio(text)?,
            Value::Character(value) => {
                self.extension(extension::CHARACTER, value.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
            Value::String(text) => self.string(text)?,
            Value::Keyword(name) => self.keyword(name)?,
            Value::Symbol(name) => self.extension(extension::SYMBOL, name.as_bytes())?,
            Value::List(elements) | Value::Vector(elements) => self.elements(elements, deeper(depth)?)?,
            Value::Set(elements) => self.set(elements, deeper(depth)?)?,
            Value::Map(entries) => self.map(entries, deeper(depth)?)?,
            Value::Instant(millis) => self.moment(*millis)?,
            Value::Uuid(bytes) => self.extension(extension::UUID, ser::uuid_text(bytes).as_bytes())?,
            Value::Bytes(bytes) => {
                _ = encode::write_bin_len(&mut self.out, length(bytes.len())?);
                self.out.extend_from_slice(bytes);
            }
            Value::Tagged(tag, value) => self.unknown(tag, value)?,
        }
        Ok(())
    }

    pub(super) fn keyword(&mut self, name: &str) -> Result<(), EncodeError> {
        self.extension(extension::KEYWORD, name.as_bytes())
    }

    pub(super) fn array(&mut self, count: usize) -> Result<(), EncodeError> {
        _ = encode::write_array_len(&mut self.out, length(count)?);
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), EncodeError> {
        _ = encode::write_str_len(&mut self.out, length(text.len())?);
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn extension(&mut self, kind: i8, content: &[u8]) -> Result<(), EncodeError> {
        _ = encode::write_ext_meta(&mut self.out, length(content.len())?, kind);
        self.out.extend_from_slice(content);
        Ok(())
    }

    fn elements(&mut self, elements: &'v [Value], depth: usize) -> Result<(), EncodeError> {
        self.array(elements.len())?;
        elements.iter().try_for_each(|element| self.value(element, depth))
    }

    /// The header says how long the content is, so it is made last.
    fn set(&mut self, elements: &'v [Value], depth: usize) -> Result<(), EncodeError> {
        distinct(elements.iter(), "a set in which two elements")?;
        let start = self.out.len();
        self.elements(elements, depth)?;
        let header = set_header(self.out.len() - start)?;
        self.out.splice(start..start, header);
        Ok(())
    }

    fn map(&mut self, entries: &'v [(Value, Value)], depth: usize) -> Result<(), EncodeError> {
        distinct(entries.iter().map(|(key, _)| key), "a map in which two keys")?;
        _ = encode::write_map_len(&mut self.out, length(entries.len())?);
        for (key, value) in entries {
            let known = match key {
                Value::Keyword(name) => self.keys.find(Kind::Keyword, name),
                Value::String(text) => self.keys.find(Kind::String, text),
                _ => None,
            };
            match known {
                Some(index) => self.extension(extension::KEY, &[index])?,
                None => self.value(key, depth)?,
            }
            self.value(value, depth)?;
        }
        Ok(())
    }

    fn ratio(&mut self, text: &str) -> Result<(), EncodeError> {
        let parts = text.split_once('/').and_then(|(numerator, denominator)| {
            Some((numerator.parse::<i64>().ok()?, denominator.parse::<i64>().ok()?))
        });
        let valid = parts.filter(|_| number::is_ratio(text));
        let (numerator, denominator) = valid.ok_or_else(|| error(format!("the ratio {text}")))?;
        let mut content = Vec::with_capacity(18);
        integer(&mut content, numerator);
        integer(&mut content, denominator);
        self.extension(extension::RATIO, &content)
    }

    fn moment(&mut self, millis: i64) -> Result<(), EncodeError> {
        let mut content = [0; 12];
        let nanos = millis.rem_euclid(1000) as u32 * 1_000_000;
        content[..4].copy_from_slice(&nanos.to_be_bytes());
        content[4..].copy_from_slice(&millis.div_euclid(1000).to_be_bytes());
        self.extension(extension::TIMESTAMP, &content)
    }

    /// An extension that reading did not know.
    fn unknown(&mut self, tag: &str, value: &Value) -> Result<(), EncodeError> {
        let number = tag.strip_prefix(extension::TAG).and_then(|number| number.parse::<i8>().ok());
        match (number, value) {
            (Some(kind), Value::Bytes(content)) if !extension::is_known(kind) => self.extension(kind, content),
            _ => Err(error(format!("the tag #{tag}"))),
        }
    }
}

/// The head of a set whose array takes so many bytes.
pub(super) fn set_header(content: usize) -> Result<Vec<u8>, EncodeError> {
    let mut header = Vec::with_capacity(6);
    _ = encode::write_ext_meta(&mut header, length(content)?, extension::SET);
    Ok(header)
}

fn length(length: usize) -> Result<u32, EncodeError> {
    u32::try_from(length).map_err(|_| error("so much in one piece: 4 GiB or more"))
}

fn deeper(depth: usize) -> Result<usize, EncodeError> {
    depth.checked_sub(1).ok_or_else(|| error("values nested so deeply"))
}

/// As Sente has it: readers in JavaScript refuse `uint 64`.
fn integer(out: &mut Vec<u8>, value: i64) {
    match u32::try_from(value) {
        Ok(value) => _ = encode::write_uint(out, value.into()),
        Err(_) if value > 0 => _ = encode::write_i64(out, value),
        Err(_) => _ = encode::write_sint(out, value),
    }
}

fn small(text: &str) -> Result<i64, EncodeError> {
    let value = text.parse().ok().filter(|_| number::is_integer(text));
    value.ok_or_else(|| error(format!("the integer {text}, which does not fit 64 bits")))
}

/// The double that says what a decimal says.
fn float(text: &str) -> Result<f64, EncodeError> {
    let value = text.parse().ok().filter(|_| number::is_decimal(text));
    let exact = value.filter(|value: &f64| number::same_decimal(text, &format!("{value:e}")));
    exact.ok_or_else(|| error(format!("the decimal {text}, which a double would round")))
}

/// Whether all stay different although lists become vectors and decimals floats.
fn distinct<'v>(mut keys: impl Iterator<Item = &'v Value> + Clone, what: &str) -> Result<(), EncodeError> {
    if !keys.clone().any(changes) {
        return Ok(());
    }
    let mut seen = HashSet::new();
    if keys.all(|key| seen.insert(widened(key))) { Ok(()) } else { Err(error(format!("{what} become the same"))) }
}

/// Whether a value may read as another than it was.
fn changes(value: &Value) -> bool {
    match value {
        Value::List(_) | Value::Decimal(_) => true,
        Value::Vector(elements) | Value::Set(elements) => elements.iter().any(changes),
        Value::Map(entries) => entries.iter().any(|(key, value)| changes(key) || changes(value)),
        _ => false,
    }
}

/// What a value reads as.
fn widened(value: &Value) -> Value {
    let all = |elements: &[Value]| elements.iter().map(widened).collect();
    match value {
        Value::List(elements) | Value::Vector(elements) => Value::Vector(all(elements)),
        Value::Set(elements) => Value::Set(all(elements)),
        Value::Map(entries) => Value::Map(entries.iter().map(|(key, value)| (widened(key), widened(value))).collect()),
        Value::Decimal(text) => float(text).map_or_else(|_| value.clone(), Value::Float),
        other => other.clone(),
    }
}
