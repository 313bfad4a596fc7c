//! What text stands for (transit-format, "Scalar types").

use crate::codec::number;
use crate::value::token::Token;
use crate::value::{base64, instant, ser};
use std::borrow::Cow;

type What = &'static str;

/// The tags that the format itself uses, with one letter and more.
pub(super) fn is_reserved(tag: &str) -> bool {
    matches!(tag, "" | "'" | "set" | "list" | "cmap" | "ratio" | "array" | "map")
        || matches!(tag.as_bytes(), [letter] if is_known(*letter))
}

/// The letters after `~` that mean something.
fn is_known(letter: u8) -> bool {
    matches!(letter, b'_' | b'?' | b'i' | b'd' | b'n' | b'f' | b'z' | b'c' | b'u' | b'm' | b't' | b'b' | b's')
        || matches!(letter, b':' | b'$' | b'#' | b'~' | b'^' | b'`')
}

/// Whether a tag with text is written as `~` with its letter: a letter that means nothing yet.
pub(super) fn is_letter(tag: &str) -> bool {
    matches!(tag.as_bytes(), [letter] if letter.is_ascii_alphabetic() && !is_known(*letter))
}

/// What a text is.
pub(super) enum Scalar<'de> {
    Token(Token<'de>),
    /// A tag of one letter, and its text.
    Tagged(Cow<'de, str>, Cow<'de, str>),
}

pub(super) fn read(text: Cow<'_, str>) -> Result<Scalar<'_>, What> {
    let Some(letter) = text.strip_prefix('~').map(|rest| rest.as_bytes().first().copied()) else {
        return if text.starts_with('^') { Err("a mark of a map where no map begins") } else { Ok(string(text)) };
    };
    match letter {
        Some(b'~' | b'^' | b'`') => Ok(string(after(text, 1))),
        Some(b':') => Ok(Scalar::Token(Token::Keyword(after(text, 2)))),
        Some(b'$') => Ok(Scalar::Token(Token::Symbol(after(text, 2)))),
        Some(b'#') => Err("a tag that tags nothing"),
        Some(letter) if is_known(letter) => {
            known(letter, after(text, 2)).map(Scalar::Token).ok_or("text that is not what its letter says")
        }
        Some(letter) if letter.is_ascii_alphabetic() => {
            Ok(Scalar::Tagged(char::from(letter).to_string().into(), after(text, 2)))
        }
        _ => Err("a ~ that means nothing"),
    }
}

fn string(text: Cow<'_, str>) -> Scalar<'_> {
    Scalar::Token(Token::String(text))
}

/// The text without its first bytes, which are ASCII.
pub(super) fn after(text: Cow<'_, str>, bytes: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[bytes..]),
        Cow::Owned(text) => Cow::Owned(text[bytes..].to_owned()),
    }
}

fn known(letter: u8, text: Cow<'_, str>) -> Option<Token<'_>> {
    match letter {
        b'_' => text.is_empty().then_some(Token::Nil),
        b'?' => match &*text {
            "t" => Some(Token::Boolean(true)),
            "f" => Some(Token::Boolean(false)),
            _ => None,
        },
        b'i' => match text.parse() {
            Ok(value) if number::is_integer(&text) => Some(Token::Integer(value)),
            _ => big(text),
        },
        b'n' => big(text),
        b'd' => double(&text),
        b'f' => number::is_decimal(&text).then_some(Token::Decimal(text)),
        b'z' => match &*text {
            "NaN" => Some(Token::Float(f64::NAN)),
            "INF" => Some(Token::Float(f64::INFINITY)),
            "-INF" => Some(Token::Float(f64::NEG_INFINITY)),
            _ => None,
        },
        b'c' => single(&text).map(Token::Character),
        b'u' => ser::parse_uuid(&text).map(Token::Uuid),
        b'm' => text.parse().ok().map(Token::Instant),
        b't' => instant::parse(&text).map(Token::Instant),
        b'b' => base64::decode(&text).map(|bytes| Token::Bytes(Cow::Owned(bytes))),
        b's' => Some(Token::String(text)),
        _ => None,
    }
}

fn big(text: Cow<'_, str>) -> Option<Token<'_>> {
    number::is_integer(&text).then_some(Token::BigInteger(text))
}

/// A number that is written as one: Rust alone would read `nan` and `infinity` too.
fn double(text: &str) -> Option<Token<'static>> {
    number::is_decimal(text).then(|| text.parse().ok())?.map(Token::Float)
}

fn single(text: &str) -> Option<char> {
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}
