//! Values to text.

use crate::codec::EncodeError;
use crate::codec::integer;
use crate::codec::json_text::{SAFE, write_string as string};
use crate::value::{Value, base64, instant, ser};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::mem::discriminant;

fn error(what: impl Into<String>) -> EncodeError {
    EncodeError { codec: "json", what: what.into() }
}

/// Writes `value`, with at most `depth` levels of arrays and objects.
pub(super) fn write(value: &Value, depth: usize, out: &mut String) -> Result<(), EncodeError> {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Integer(value) if value.unsigned_abs() <= SAFE => integer::write(*value, out),
        Value::BigInteger(text) if is_safe(text) => integer::write(text.parse().unwrap_or_default(), out),
        Value::Float(value) => float(*value, out)?,
        Value::List(elements) | Value::Vector(elements) | Value::Set(elements) => array(elements, depth, out)?,
        Value::Map(entries) => object(entries, depth, out)?,
        Value::Tagged(tag, _) => return Err(error(format!("the tag #{tag}"))),
        other => string(&text(other).ok_or_else(|| error("this value"))?, out),
    }
    Ok(())
}

fn is_safe(digits: &str) -> bool {
    digits.parse::<i64>().is_ok_and(|value| value.unsigned_abs() <= SAFE)
}

/// The text that stands for a value, as a value of its own or as a key.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) | Value::Keyword(text) | Value::Symbol(text) => Some(Cow::Borrowed(text)),
        Value::BigInteger(text) | Value::Decimal(text) | Value::Ratio(text) => Some(Cow::Borrowed(text)),
        Value::Boolean(value) => Some(value.to_string().into()),
        Value::Integer(value) => Some(value.to_string().into()),
        Value::Character(value) => Some(value.to_string().into()),
        Value::Instant(millis) if instant::is_writable(*millis) => Some(instant::text(*millis).into()),
        Value::Uuid(bytes) => Some(ser::uuid_text(bytes).into()),
        Value::Bytes(bytes) => Some(base64::encode(bytes).into()),
        _ => None,
    }
}

fn float(value: f64, out: &mut String) -> Result<(), EncodeError> {
    if !value.is_finite() {
        return Err(error(format!("the number {value}")));
    }
    // Debug keeps the `.0`, so that a float comes back as one, and writes large ones with an exponent. A string takes all.
    let _ = write!(out, "{value:?}");
    Ok(())
}

fn deeper(depth: usize) -> Result<usize, EncodeError> {
    depth.checked_sub(1).ok_or_else(|| error("values nested so deeply"))
}

fn array(elements: &[Value], depth: usize, out: &mut String) -> Result<(), EncodeError> {
    let depth = deeper(depth)?;
    out.push('[');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(element, depth, out)?;
    }
    out.push(']');
    Ok(())
}

fn object(entries: &[(Value, Value)], depth: usize, out: &mut String) -> Result<(), EncodeError> {
    let depth = deeper(depth)?;
    // Keys of one kind stay different as text; `:a` and `"a"` do not, and one would vanish in silence.
    let mixed = entries.windows(2).any(|pair| discriminant(&pair[0].0) != discriminant(&pair[1].0));
    let mut seen = mixed.then(HashSet::new);
    out.push('{');
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let key = text(key).ok_or_else(|| error(format!("the key {key:?}")))?;
        string(&key, out);
        out.push(':');
        write(value, depth, out)?;
        if seen.as_mut().is_some_and(|seen| !seen.insert(key)) {
            return Err(error("two keys that are the same text"));
        }
    }
    out.push('}');
    Ok(())
}
