//! Everything without brackets and quotes: numbers, names, characters.

use crate::codec::number::number;
use crate::codec::unicode::radix;
use crate::value::token::Token;
use std::borrow::Cow;

type What = &'static str;

/// The run of bytes up to whitespace or a bracket, quote or comment. The first byte belongs to it whatever it is.
pub(super) fn extent(text: &str) -> &str {
    let first = text.chars().next().map_or(0, char::len_utf8);
    let end = text.as_bytes()[first..].iter().position(|&byte| ends_atom(byte));
    &text[..end.map_or(text.len(), |end| first + end)]
}

/// Whitespace and commas.
#[inline]
pub(super) fn is_blank(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & BLANK != 0
}

/// Whether an atom ends before `byte`.
#[inline]
pub(super) fn ends_atom(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & END != 0
}

/// Whether `byte` is ASCII that a name may hold anywhere, whatever is beside it: all that it may hold but `:` and `/`.
#[inline]
pub(super) fn is_in_names(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & NAME != 0
}

const BLANK: u8 = 1;
const END: u8 = 2;
const NAME: u8 = 4;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        classes[byte as usize] = match byte {
            b' ' | b',' | b'\t'..=b'\r' | 0x1c..=0x1f => BLANK | END,
            b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'"' | b';' | b'\\' | b'^' | b'@' | b'`' | b'~' => END,
            b':' | b'/' | 0..=0x20 | 0x7f => 0,
            _ => NAME,
        };
        byte += 1;
    }
    classes
};

/// A number or a name.
pub(super) fn read(text: &str) -> Result<Token<'_>, What> {
    match text.as_bytes() {
        [b'0'..=b'9', ..] | [b'+' | b'-', b'0'..=b'9', ..] => number(text),
        [b':', ..] => {
            let name = &text[1..];
            if is_keyword(name) { Ok(Token::Keyword(Cow::Borrowed(name))) } else { Err("not a keyword") }
        }
        b"nil" => Ok(Token::Nil),
        b"true" => Ok(Token::Boolean(true)),
        b"false" => Ok(Token::Boolean(false)),
        _ if is_symbol(text) => Ok(Token::Symbol(Cow::Borrowed(text))),
        _ => Err("neither a number nor a name"),
    }
}

/// Whether `name` is one after a colon. Unlike symbols, keywords may begin with a digit, as Clojure allows.
pub(super) fn is_keyword(name: &str) -> bool {
    name != "/" && !name.starts_with(':') && is_name(name)
}

/// Whether `name` is a symbol and nothing else.
pub(super) fn is_symbol(name: &str) -> bool {
    let begins_otherwise =
        matches!(name.as_bytes(), [b'0'..=b'9' | b':' | b'#', ..] | [b'+' | b'-' | b'.', b'0'..=b'9', ..]);
    !begins_otherwise && !matches!(name, "nil" | "true" | "false") && is_name(name)
}

/// Whether `name` can follow `#`.
pub(super) fn is_tag(name: &str) -> bool {
    name.starts_with(char::is_alphabetic) && is_symbol(name)
}

/// Whether `name` can follow `#:`.
pub(super) fn is_namespace(name: &str) -> bool {
    !name.contains('/') && is_symbol(name)
}

/// `name` or `namespace/name`, where only the name may hold further slashes, as in Clojure.
fn is_name(name: &str) -> bool {
    if name.is_empty() || name.ends_with(':') || !name.chars().all(is_constituent) {
        return false;
    }
    match name.split_once('/') {
        None => true,
        Some(("", rest)) => rest.is_empty(),
        Some((namespace, "/")) => !namespace.is_empty(),
        Some((_, local)) => !local.is_empty() && !local.starts_with('/') && !local.ends_with('/'),
    }
}

fn is_constituent(character: char) -> bool {
    match u8::try_from(character) {
        Ok(byte) if byte.is_ascii() => is_in_names(byte) || byte == b':' || byte == b'/',
        _ => !character.is_whitespace() && !character.is_control(),
    }
}

/// Characters with names.
pub(super) const NAMED: [(&str, char); 6] =
    [("newline", '\n'), ("return", '\r'), ("space", ' '), ("tab", '\t'), ("formfeed", '\u{c}'), ("backspace", '\u{8}')];

/// A character at the start of `text`, and how many bytes it takes.
pub(super) fn character(text: &str) -> Result<(char, usize), What> {
    const NOT: What = "not a character";
    let name = extent(&text[1..]);
    let length = 1 + name.len();
    let mut characters = name.chars();
    let first = characters.next().ok_or(NOT)?;
    if characters.as_str().is_empty() {
        return if first.is_ascii_whitespace() { Err(NOT) } else { Ok((first, length)) };
    }
    if let Some((_, character)) = NAMED.iter().find(|(known, _)| *known == name) {
        return Ok((*character, length));
    }
    let digits = characters.as_str();
    let code = match first {
        'u' if digits.len() == 4 => radix(digits, 16),
        'o' if digits.len() <= 3 => radix(digits, 8).filter(|code| *code <= 0o377),
        _ => None,
    };
    Ok((code.and_then(char::from_u32).ok_or(NOT)?, length))
}
