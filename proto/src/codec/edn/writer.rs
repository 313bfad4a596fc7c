//! Values to text, as Clojure prints them readably.

use super::atom;
use crate::codec::scan::quote_backslash_or_control;
use crate::codec::{EncodeError, integer, number};
use crate::value::{Value, base64, instant, ser};
use std::fmt::Write as _;

fn error(what: impl Into<String>) -> EncodeError {
    EncodeError { codec: "edn", what: what.into() }
}

/// Writes `value`, with at most `depth` levels of collections and tags.
pub(super) fn write(value: &Value, depth: usize, out: &mut String) -> Result<(), EncodeError> {
    match value {
        Value::Nil => out.push_str("nil"),
        Value::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Integer(value) => integer::write(*value, out),
        Value::BigInteger(text) => checked(number::is_integer(text), "", text, "N", out)?,
        Value::Float(value) => float(*value, out),
        Value::Decimal(text) => checked(number::is_decimal(text), "", text, "M", out)?,
        Value::Ratio(text) => checked(number::is_ratio(text), "", text, "", out)?,
        Value::Character(value) => character(*value, out),
        Value::String(text) => string(text, out),
        Value::Keyword(text) => keyword(text, out)?,
        Value::Symbol(text) => checked(atom::is_symbol(text), "", text, "", out)?,
        Value::List(elements) => sequence("(", elements, ')', depth, out)?,
        Value::Vector(elements) => sequence("[", elements, ']', depth, out)?,
        Value::Set(elements) => sequence("#{", elements, '}', depth, out)?,
        Value::Map(entries) => map(entries, depth, out)?,
        Value::Instant(millis) => moment(*millis, out)?,
        Value::Uuid(bytes) => push_all(out, &["#uuid \"", &ser::uuid_text(bytes), "\""]),
        Value::Bytes(bytes) => push_all(out, &["#bytes \"", &base64::encode(bytes), "\""]),
        Value::Tagged(tag, value) => tagged(tag, value, depth, out)?,
    }
    Ok(())
}

fn push_all(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

/// Text that must be what its kind says, so that nobody's data can pass for something else.
fn checked(valid: bool, before: &str, text: &str, after: &str, out: &mut String) -> Result<(), EncodeError> {
    if !valid {
        return Err(error(format!("{before}{text:?}{after}")));
    }
    push_all(out, &[before, text, after]);
    Ok(())
}

pub(super) fn keyword(name: &str, out: &mut String) -> Result<(), EncodeError> {
    checked(atom::is_keyword(name), ":", name, "", out)
}

fn float(value: f64, out: &mut String) {
    if value.is_nan() {
        return out.push_str("##NaN");
    }
    if value.is_infinite() {
        return out.push_str(if value > 0.0 { "##Inf" } else { "##-Inf" });
    }
    number::float(value, out);
}

fn character(value: char, out: &mut String) {
    out.push('\\');
    if let Some((name, _)) = atom::NAMED.iter().find(|(_, named)| *named == value) {
        out.push_str(name);
    } else if value.is_control() || value.is_whitespace() {
        // All such characters are in the basic plane.
        let _ = write!(out, "u{:04x}", u32::from(value));
    } else {
        out.push(value);
    }
}

pub(super) fn string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = quote_backslash_or_control(rest.as_bytes()) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b'\r' => out.push_str("\\r"),
            0x0c => out.push_str("\\f"),
            0x08 => out.push_str("\\b"),
            other => out.push(char::from(other)),
        }
        rest = &rest[at + 1..];
    }
    push_all(out, &[rest, "\""]);
}

fn deeper(depth: usize) -> Result<usize, EncodeError> {
    depth.checked_sub(1).ok_or_else(|| error("values nested so deeply"))
}

fn sequence(open: &str, elements: &[Value], close: char, depth: usize, out: &mut String) -> Result<(), EncodeError> {
    let depth = deeper(depth)?;
    out.push_str(open);
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write(element, depth, out)?;
    }
    out.push(close);
    Ok(())
}

fn map(entries: &[(Value, Value)], depth: usize, out: &mut String) -> Result<(), EncodeError> {
    let depth = deeper(depth)?;
    out.push('{');
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(key, depth, out)?;
        out.push(' ');
        write(value, depth, out)?;
    }
    out.push('}');
    Ok(())
}

fn moment(millis: i64, out: &mut String) -> Result<(), EncodeError> {
    if !instant::is_writable(millis) {
        return Err(error(format!("the moment {millis} ms: its year is not one of 0 to 9999")));
    }
    push_all(out, &["#inst \"", &instant::local(millis), "-00:00\""]);
    Ok(())
}

fn tagged(tag: &str, value: &Value, depth: usize, out: &mut String) -> Result<(), EncodeError> {
    // A known tag around something else would be read as what it is not.
    let valid = atom::is_tag(tag) && !matches!(tag, "inst" | "uuid" | "bytes");
    checked(valid, "#", tag, " ", out)?;
    write(value, deeper(depth)?, out)
}
