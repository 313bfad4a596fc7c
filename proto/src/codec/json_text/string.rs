//! Strings (RFC 8259 section 7).

use crate::codec::scan::quote_backslash_or_control;
use std::borrow::Cow;
use std::fmt::Write as _;

type What = &'static str;

/// The string at the start of `text` and how many bytes it takes, quotes included. Borrows when nothing is escaped.
pub(super) fn read(text: &str) -> Result<(Cow<'_, str>, usize), What> {
    let mut at = 1 + run(&text.as_bytes()[1..])?;
    let plain = &text[1..at];
    if text.as_bytes()[at] == b'"' {
        return Ok((Cow::Borrowed(plain), at + 1));
    }
    let mut out = plain.to_owned();
    while text.as_bytes()[at] != b'"' {
        let (character, length) = escape(&text[at + 1..])?;
        out.push(character);
        at += 1 + length;
        let plain = run(&text.as_bytes()[at..])?;
        out.push_str(&text[at..at + plain]);
        at += plain;
    }
    Ok((Cow::Owned(out), at + 1))
}

/// How far it is to the next quote or backslash.
fn run(text: &[u8]) -> Result<usize, What> {
    let end = quote_backslash_or_control(text).ok_or("a string that does not end")?;
    if text[end] < 0x20 { Err("a control character in a string") } else { Ok(end) }
}

fn escape(text: &str) -> Result<(char, usize), What> {
    let simple = match text.as_bytes().first() {
        Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'f') => '\u{c}',
        Some(b'b') => '\u{8}',
        Some(b'u') => return crate::codec::unicode::escape(text),
        _ => return Err("an unknown escape"),
    };
    Ok((simple, 1))
}

/// Writes text in quotes.
pub(in crate::codec) fn write(text: &str, out: &mut String) {
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
            other => {
                let _ = write!(out, "\\u{other:04x}");
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}
