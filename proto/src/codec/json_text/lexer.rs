//! Text to tokens, without recursion.

use super::string;
use crate::codec::DecodeError;
use crate::value::token::{Shape, Source, Token};
use std::borrow::Cow;

/// Where reading stands.
#[derive(Clone)]
pub(crate) struct Lexer<'de> {
    text: &'de str,
    at: usize,
    start: usize,
    level: Level,
    outer: Outer,
    max_depth: usize,
}

#[derive(Clone, Copy)]
struct Level {
    shape: Option<Shape>,
    /// Keys count as well as values.
    items: usize,
}

/// The collections around the innermost. All that is needed of one when what is inside of it ends, is whether it is a map:
/// something was read of it, and of a map a key and its value. So it takes a bit, and no memory up to 64 levels.
#[derive(Clone, Default)]
struct Outer {
    count: usize,
    /// Of the last up to 64; the lowest is the last.
    maps: u64,
    further: Vec<u64>,
}

impl Outer {
    fn push(&mut self, level: Level) {
        if self.count > 0 && self.count.is_multiple_of(64) {
            self.further.push(self.maps);
        }
        self.count += 1;
        self.maps = self.maps << 1 | u64::from(level.shape == Some(Shape::Map));
    }

    /// The last, as it is once what was inside of it has ended.
    fn pop(&mut self) -> Level {
        let shape = if self.maps & 1 == 1 { Shape::Map } else { Shape::Vector };
        self.maps >>= 1;
        self.count = self.count.saturating_sub(1);
        if self.count > 0 && self.count.is_multiple_of(64) {
            self.maps = self.further.pop().unwrap_or_default();
        }
        Level { shape: (self.count > 0).then_some(shape), items: 2 }
    }
}

impl<'de> Lexer<'de> {
    pub(crate) fn new(text: &'de str, max_depth: usize) -> Self {
        Self { text, at: 0, start: 0, level: Level { shape: None, items: 0 }, outer: Outer::default(), max_depth }
    }

    fn error(&self, what: &'static str) -> DecodeError {
        DecodeError::Syntax { what, at: self.start }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.start = self.at;
    }

    /// Whether the next item of this level is a key.
    fn at_key(&self) -> bool {
        self.level.shape == Some(Shape::Map) && self.level.items.is_multiple_of(2)
    }

    /// Passes over the comma or colon that must stand before the next item.
    fn separator(&mut self) -> Result<(), DecodeError> {
        let expected = match self.level.shape {
            Some(Shape::Map) if !self.at_key() => b':',
            Some(_) if self.level.items > 0 => b',',
            _ => return Ok(()),
        };
        if self.byte() != Some(expected) {
            return Err(self.error("a comma, a colon or a bracket is missing"));
        }
        self.at += 1;
        self.blank();
        Ok(())
    }

    fn open(&mut self, shape: Shape) -> Result<Token<'de>, DecodeError> {
        if self.outer.count >= self.max_depth {
            return Err(DecodeError::Depth(self.max_depth));
        }
        self.at += 1;
        self.outer.push(std::mem::replace(&mut self.level, Level { shape: Some(shape), items: 0 }));
        Ok(Token::Open(shape))
    }

    /// A closing bracket where one may stand: not after a comma, a colon or a key.
    fn close(&mut self, byte: u8) -> Result<Token<'de>, DecodeError> {
        let fits = match self.level.shape {
            Some(Shape::Vector) => byte == b']',
            Some(_) => byte == b'}' && self.at_key(),
            None => false,
        };
        if !fits {
            return Err(self.error("a bracket that closes nothing"));
        }
        self.at += 1;
        self.level = self.outer.pop();
        Ok(Token::Close)
    }

    fn item(&mut self) -> Result<Token<'de>, DecodeError> {
        let byte = self.byte().ok_or_else(|| self.error("the text ends inside a value"))?;
        if self.at_key() && byte != b'"' {
            return Err(self.error("a key that is not a string"));
        }
        let rest = &self.text[self.at..];
        let (token, length) = match byte {
            b'[' => return self.open(Shape::Vector),
            b'{' => return self.open(Shape::Map),
            b'"' => {
                let (text, length) = string::read(rest).map_err(|what| self.error(what))?;
                (Token::String(text), length)
            }
            b'-' | b'0'..=b'9' => number(rest).map_err(|what| self.error(what))?,
            _ => word(rest).ok_or_else(|| self.error("no JSON value begins like this"))?,
        };
        self.at += length;
        self.level.items += 1;
        Ok(token)
    }
}

/// `null`, `true` or `false`, and nothing that begins like one.
fn word(text: &str) -> Option<(Token<'static>, usize)> {
    let (token, length) = match text.as_bytes() {
        [b'n', b'u', b'l', b'l', ..] => (Token::Nil, 4),
        [b't', b'r', b'u', b'e', ..] => (Token::Boolean(true), 4),
        [b'f', b'a', b'l', b's', b'e', ..] => (Token::Boolean(false), 5),
        _ => return None,
    };
    let ends = !text.as_bytes().get(length).is_some_and(u8::is_ascii_alphanumeric);
    ends.then_some((token, length))
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
            None if self.outer.count == 0 => return Ok(Token::End),
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
