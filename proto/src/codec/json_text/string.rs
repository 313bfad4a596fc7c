//! Strings (RFC 8259 section 7).

use std::borrow::Cow;
use std::fmt::Write as _;

type What = &'static str;

/// The string at the start of `text` and how many bytes it takes, quotes included. Borrows when nothing is escaped.
pub(super) fn read(text: &str) -> Result<(Cow<'_, str>, usize), What> {
    let plain = run(&text[1..])?;
    let mut at = 1 + plain.len();
    if text.as_bytes()[at] == b'"' {
        return Ok((Cow::Borrowed(plain), at + 1));
    }
    let mut out = plain.to_owned();
    while text.as_bytes()[at] != b'"' {
        let (character, length) = escape(&text[at + 1..])?;
        out.push(character);
        at += 1 + length;
        let plain = run(&text[at..])?;
        out.push_str(plain);
        at += plain.len();
    }
    Ok((Cow::Owned(out), at + 1))
}

/// The text before the next quote or backslash.
fn run(text: &str) -> Result<&str, What> {
    let end =
        text.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).ok_or("a string that does not end")?;
    if text.as_bytes()[end] < 0x20 { Err("a control character in a string") } else { Ok(&text[..end]) }
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
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[written..at]);
        written = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b'\r' => out.push_str("\\r"),
            0x0c => out.push_str("\\f"),
            0x08 => out.push_str("\\b"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[written..]);
    out.push('"');
}
