//! Text in quotes.

use crate::codec::scan::quote_or_backslash;
use crate::codec::unicode::{self, radix};
use std::borrow::Cow;

type What = &'static str;

/// The string at the start of `text` and how many bytes it takes, quotes included. Borrows when nothing is escaped.
pub(super) fn read(text: &str) -> Result<(Cow<'_, str>, usize), What> {
    let plain = run(&text[1..])?;
    let end = 1 + plain.len();
    if text.as_bytes()[end] == b'"' {
        return Ok((Cow::Borrowed(plain), end + 1));
    }
    unescape(text, plain.to_owned(), end)
}

/// The text before the next quote or backslash.
fn run(text: &str) -> Result<&str, What> {
    quote_or_backslash(text.as_bytes()).map(|end| &text[..end]).ok_or("a string that does not end")
}

fn unescape(text: &str, mut out: String, mut at: usize) -> Result<(Cow<'_, str>, usize), What> {
    loop {
        if text.as_bytes()[at] == b'"' {
            return Ok((Cow::Owned(out), at + 1));
        }
        let (character, length) = escape(&text[at + 1..])?;
        out.push(character);
        at += 1 + length;
        let plain = run(&text[at..])?;
        out.push_str(plain);
        at += plain.len();
    }
}

/// What follows a backslash, and how many bytes that takes.
fn escape(text: &str) -> Result<(char, usize), What> {
    let simple = match text.as_bytes().first() {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'f') => '\u{c}',
        Some(b'b') => '\u{8}',
        Some(b'u') => return unicode::escape(text),
        Some(b'0'..=b'7') => return octal(text),
        _ => return Err("an unknown escape"),
    };
    Ok((simple, 1))
}

/// One to three octal digits, at most 377.
fn octal(text: &str) -> Result<(char, usize), What> {
    let length = text.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    let code = radix(&text[..length], 8).filter(|code| *code <= 0o377).and_then(char::from_u32);
    Ok((code.ok_or("an octal escape beyond 377")?, length))
}
