//! Text to tokens, without recursion.

mod shortcuts;

use super::string;
use crate::codec::DecodeError;
use crate::codec::levels::Levels;
use crate::value::shortcuts::Word;
use crate::value::token::{Shape, Source, Token};
use std::borrow::Cow;

/// Where reading stands.
#[derive(Clone)]
pub(crate) struct Lexer<'de> {
    text: &'de str,
    at: usize,
    start: usize,
    place: Place,
    outer: Levels,
    max_depth: usize,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Outside of everything: any value, or the end.
    Text,
    FirstElement,
    Element,
    FirstKey,
    Key,
    Value,
}

impl Place {
    /// What must stand before the next item.
    #[inline]
    const fn separator(self) -> Option<u8> {
        match self {
            Self::Text | Self::FirstElement | Self::FirstKey => None,
            Self::Element | Self::Key => Some(b','),
            Self::Value => Some(b':'),
        }
    }

    /// Where an item leads to.
    #[inline]
    const fn after(self) -> Self {
        match self {
            Self::Text => Self::Text,
            Self::FirstElement | Self::Element => Self::Element,
            Self::FirstKey | Self::Key => Self::Value,
            Self::Value => Self::Key,
        }
    }

    #[inline]
    const fn is_key(self) -> bool {
        matches!(self, Self::FirstKey | Self::Key)
    }

    /// Whether `bracket` may close here: not after a comma, a colon or a key.
    #[inline]
    const fn closes_with(self, bracket: u8) -> bool {
        match self {
            Self::FirstElement | Self::Element => bracket == b']',
            Self::FirstKey | Self::Key => bracket == b'}',
            Self::Text | Self::Value => false,
        }
    }
}

#[inline]
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

impl<'de> Lexer<'de> {
    pub(crate) fn new(text: &'de str, max_depth: usize) -> Self {
        Self { text, at: 0, start: 0, place: Place::Text, outer: Levels::default(), max_depth }
    }

    fn error(&self, what: &'static str) -> DecodeError {
        DecodeError::Syntax { what, at: self.start }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.byte().is_some_and(is_blank) {
            self.at += 1;
        }
        self.start = self.at;
    }

    /// Passes over the comma or colon that must stand before the next item.
    fn separator(&mut self) -> Result<(), DecodeError> {
        let Some(expected) = self.place.separator() else { return Ok(()) };
        if self.byte() != Some(expected) {
            return Err(self.error("a comma, a colon or a bracket is missing"));
        }
        self.at += 1;
        self.blank();
        Ok(())
    }

    /// Into a collection, whose end leads on in this one.
    #[inline]
    fn enter(&mut self, place: Place) {
        let then = match self.place.after() {
            Place::Text => 0,
            Place::Key => 1,
            _ => 2,
        };
        self.outer.push(then);
        self.place = place;
    }

    #[inline]
    fn leave(&mut self) {
        self.place = match self.outer.pop() {
            Some(1) => Place::Key,
            Some(2) => Place::Element,
            _ => Place::Text,
        };
    }

    fn open(&mut self, shape: Shape, place: Place) -> Result<Token<'de>, DecodeError> {
        if self.outer.len() >= self.max_depth {
            return Err(DecodeError::Depth(self.max_depth));
        }
        self.at += 1;
        self.enter(place);
        Ok(Token::Open(shape))
    }

    fn close(&mut self, bracket: u8) -> Result<Token<'de>, DecodeError> {
        if !self.place.closes_with(bracket) {
            return Err(self.error("a bracket that closes nothing"));
        }
        self.at += 1;
        self.leave();
        Ok(Token::Close)
    }

    fn item(&mut self) -> Result<Token<'de>, DecodeError> {
        let byte = self.byte().ok_or_else(|| self.error("the text ends inside a value"))?;
        if self.place.is_key() && byte != b'"' {
            return Err(self.error("a key that is not a string"));
        }
        let rest = &self.text[self.at..];
        let (token, length) = match byte {
            b'[' => return self.open(Shape::Vector, Place::FirstElement),
            b'{' => return self.open(Shape::Map, Place::FirstKey),
            b'"' => {
                let (text, length) = string::read(rest).map_err(|what| self.error(what))?;
                (Token::String(text), length)
            }
            b'-' | b'0'..=b'9' => number(rest).map_err(|what| self.error(what))?,
            _ => match word(rest.as_bytes()) {
                Some((Word::Nil, length)) => (Token::Nil, length),
                Some((Word::Boolean(value), length)) => (Token::Boolean(value), length),
                None => return Err(self.error("no JSON value begins like this")),
            },
        };
        self.at += length;
        self.place = self.place.after();
        Ok(token)
    }
}

/// `null`, `true` or `false`, and nothing that begins like one.
#[inline]
fn word(text: &[u8]) -> Option<(Word, usize)> {
    let (word, length) = match text {
        [b'n', b'u', b'l', b'l', ..] => (Word::Nil, 4),
        [b't', b'r', b'u', b'e', ..] => (Word::Boolean(true), 4),
        [b'f', b'a', b'l', b's', b'e', ..] => (Word::Boolean(false), 5),
        _ => return None,
    };
    let ends = !text.get(length).is_some_and(u8::is_ascii_alphanumeric);
    ends.then_some((word, length))
}

/// RFC 8259 section 6.
fn number(text: &str) -> Result<(Token<'_>, usize), &'static str> {
    const NOT: &str = "not a number";
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let start = usize::from(bytes[0] == b'-');
    let whole = digits(start);
    if whole == 0 || (whole > 1 && bytes[start] == b'0') {
        return Err(NOT);
    }
    let mut end = start + whole;
    let mut is_whole = true;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        end += 1 + fraction;
        is_whole = false;
        if fraction == 0 {
            return Err(NOT);
        }
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits((end + 1 + sign).min(bytes.len()));
        end += 1 + sign + exponent;
        is_whole = false;
        if exponent == 0 {
            return Err(NOT);
        }
    }
    let text = &text[..end];
    if is_whole {
        // -0 is a float everywhere else; an integer would lose its sign.
        let integer = if text == "-0" {
            Token::Float(-0.0)
        } else {
            text.parse().map_or(Token::BigInteger(Cow::Borrowed(text)), Token::Integer)
        };
        return Ok((integer, end));
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((Token::Float(value), end)),
        _ => Err("a number beyond the range of a double"),
    }
}

impl<'de> Source<'de> for Lexer<'de> {
    const WIDENS: bool = true;

    fn next(&mut self) -> Result<Token<'de>, DecodeError> {
        self.blank();
        match self.byte() {
            None if self.place == Place::Text => return Ok(Token::End),
            Some(byte @ (b']' | b'}')) => return self.close(byte),
            _ => {}
        }
        self.separator()?;
        self.item()
    }

    fn start(&self) -> usize {
        self.start
    }

    fn end(&self) -> usize {
        self.at
    }
}
