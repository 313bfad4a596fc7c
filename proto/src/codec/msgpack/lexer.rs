//! Bytes to tokens, without recursion.

use super::{KEYS, extension};
use crate::codec::DecodeError;
use crate::codec::cache::Expansion;
use crate::value::ser;
use crate::value::shortcuts::Shortcuts;
use crate::value::token::{Shape, Source, Token};
use rmp::Marker;
use std::borrow::Cow;

type What = &'static str;

const CUT: What = "the message ends inside a value";

/// Where reading stands. What it yields borrows from the bytes, but for numbers that exist as text only.
#[derive(Clone)]
pub(crate) struct Lexer<'de> {
    data: &'de [u8],
    at: usize,
    start: usize,
    level: Level,
    outer: Vec<Level>,
    /// The bytes of an unknown extension, after its tag.
    pending: Option<&'de [u8]>,
    keys: Vec<Key<'de>>,
    expansion: Expansion,
    max_depth: usize,
}

#[derive(Clone, Copy)]
struct Level {
    shape: Option<Shape>,
    /// How many values are still to come, a map's keys among them.
    left: u64,
    /// Where the extension ends that all of this stands in, or the message.
    end: usize,
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// As a map's key.
    Key,
    Value,
}

/// A key that may be referred to.
#[derive(Clone, Copy)]
pub(super) enum Key<'de> {
    Keyword(&'de str),
    String(&'de str),
}

impl<'de> Key<'de> {
    fn token(self) -> Token<'de> {
        match self {
            Self::Keyword(name) => Token::Keyword(Cow::Borrowed(name)),
            Self::String(text) => Token::String(Cow::Borrowed(text)),
        }
    }
}

impl<'de> Lexer<'de> {
    pub(crate) fn new(data: &'de [u8], max_depth: usize) -> Self {
        Self {
            data,
            at: 0,
            start: 0,
            level: Level { shape: None, left: u64::MAX, end: data.len() },
            outer: Vec::new(),
            pending: None,
            keys: Vec::new(),
            expansion: Expansion::of(data.len()),
            max_depth,
        }
    }

    /// Whether the next value is a map's key.
    pub(super) fn at_key(&self) -> bool {
        self.place() == Place::Key
    }

    /// How many values the collection holds that was opened last.
    pub(super) fn left(&self) -> u64 {
        self.level.left
    }

    fn place(&self) -> Place {
        if self.level.shape == Some(Shape::Map) && self.level.left.is_multiple_of(2) {
            Place::Key
        } else {
            Place::Value
        }
    }

    #[cold]
    fn error(&self, what: What) -> DecodeError {
        DecodeError::Syntax { what, at: self.start }
    }

    fn checked<T>(&self, read: Result<T, What>) -> Result<T, DecodeError> {
        read.map_err(|what| self.error(what))
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'de [u8], DecodeError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.level.end).ok_or_else(|| self.error(CUT))?;
        let taken = &self.data[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// So many bytes as a big-endian integer.
    #[inline]
    fn unsigned(&mut self, length: usize) -> Result<u64, DecodeError> {
        Ok(big_endian(self.take(length)?))
    }

    /// The same with a sign.
    fn signed(&mut self, length: usize) -> Result<i64, DecodeError> {
        let unused = 64 - 8 * length as u32;
        Ok((self.unsigned(length)? << unused).cast_signed() >> unused)
    }

    fn length(&mut self, bytes: usize) -> Result<usize, DecodeError> {
        usize::try_from(self.unsigned(bytes)?).map_err(|_| self.error(CUT))
    }

    /// The next value, or the beginning of one; what it stands in has counted it.
    fn item(&mut self, place: Place) -> Result<Token<'de>, DecodeError> {
        Ok(match Marker::from_u8(self.take(1)?[0]) {
            Marker::FixPos(value) => Token::Integer(value.into()),
            Marker::FixNeg(value) => Token::Integer(value.into()),
            Marker::Null => Token::Nil,
            Marker::False => Token::Boolean(false),
            Marker::True => Token::Boolean(true),
            Marker::FixStr(length) => self.string(length.into(), place)?,
            Marker::Str8 => self.length(1).and_then(|length| self.string(length, place))?,
            Marker::Str16 => self.length(2).and_then(|length| self.string(length, place))?,
            Marker::Str32 => self.length(4).and_then(|length| self.string(length, place))?,
            Marker::FixArray(length) => self.open(Shape::Vector, length.into())?,
            Marker::Array16 => self.open_counted(Shape::Vector, 2)?,
            Marker::Array32 => self.open_counted(Shape::Vector, 4)?,
            Marker::FixMap(length) => self.open(Shape::Map, length.into())?,
            Marker::Map16 => self.open_counted(Shape::Map, 2)?,
            Marker::Map32 => self.open_counted(Shape::Map, 4)?,
            Marker::F32 => Token::Float(f64::from(f32::from_bits(self.unsigned(4)? as u32))),
            Marker::F64 => Token::Float(f64::from_bits(self.unsigned(8)?)),
            Marker::Bin8 => self.bytes(1)?,
            Marker::Bin16 => self.bytes(2)?,
            Marker::Bin32 => self.bytes(4)?,
            Marker::FixExt1 => self.extension(1, place)?,
            Marker::FixExt2 => self.extension(2, place)?,
            Marker::FixExt4 => self.extension(4, place)?,
            Marker::FixExt8 => self.extension(8, place)?,
            Marker::FixExt16 => self.extension(16, place)?,
            Marker::Ext8 => self.length(1).and_then(|length| self.extension(length, place))?,
            Marker::Ext16 => self.length(2).and_then(|length| self.extension(length, place))?,
            Marker::Ext32 => self.length(4).and_then(|length| self.extension(length, place))?,
            Marker::Reserved => return Err(self.error("a byte that MessagePack never uses")),
            number => self.integer(number)?,
        })
    }

    fn integer(&mut self, marker: Marker) -> Result<Token<'de>, DecodeError> {
        Ok(Token::Integer(match marker {
            Marker::U8 => self.unsigned(1)?.cast_signed(),
            Marker::U16 => self.unsigned(2)?.cast_signed(),
            Marker::U32 => self.unsigned(4)?.cast_signed(),
            Marker::I8 => self.signed(1)?,
            Marker::I16 => self.signed(2)?,
            Marker::I32 => self.signed(4)?,
            Marker::I64 => self.signed(8)?,
            Marker::U64 => {
                let value = self.unsigned(8)?;
                return Ok(i64::try_from(value).map_or_else(|_| big(value), Token::Integer));
            }
            _ => return Err(self.error("an integer is missing")),
        }))
    }

    fn string(&mut self, length: usize, place: Place) -> Result<Token<'de>, DecodeError> {
        let content = self.take(length)?;
        let text = self.checked(utf8(content))?;
        self.learn(Key::String(text), place);
        Ok(Token::String(Cow::Borrowed(text)))
    }

    /// Lists what may be referred to from now on: keys that are written in full, those that were there before too.
    fn learn(&mut self, key: Key<'de>, place: Place) {
        if place == Place::Key && self.keys.len() < KEYS {
            self.keys.push(key);
        }
    }

    fn bytes(&mut self, bytes: usize) -> Result<Token<'de>, DecodeError> {
        let length = self.length(bytes)?;
        Ok(Token::Bytes(Cow::Borrowed(self.take(length)?)))
    }

    /// An extension whose content takes so many bytes; its type comes first.
    fn extension(&mut self, length: usize, place: Place) -> Result<Token<'de>, DecodeError> {
        let kind = self.take(1)?[0].cast_signed();
        if kind == extension::SET {
            return self.set(length);
        }
        let content = self.take(length)?;
        Ok(match kind {
            extension::KEYWORD => {
                let name = self.checked(utf8(content))?;
                self.learn(Key::Keyword(name), place);
                Token::Keyword(Cow::Borrowed(name))
            }
            extension::SYMBOL => Token::Symbol(self.checked(utf8(content))?.into()),
            extension::CHARACTER => Token::Character(self.checked(character(content))?),
            extension::RATIO => self.checked(ratio(content))?,
            extension::UUID => Token::Uuid(self.checked(uuid(content))?),
            extension::TIMESTAMP => {
                Token::Instant(self.checked(timestamp(content).ok_or("a timestamp that is not one"))?)
            }
            extension::KEY => self.reference(content, place)?,
            unknown => {
                self.pending = Some(content);
                Token::Tag(format!("{}{unknown}", extension::TAG).into())
            }
        })
    }

    /// A set: an array that fills its extension.
    fn set(&mut self, length: usize) -> Result<Token<'de>, DecodeError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.level.end).ok_or_else(|| self.error(CUT))?;
        let outer = std::mem::replace(&mut self.level.end, end);
        let head = self.take(1)?[0];
        let left = match Marker::from_u8(head) {
            Marker::FixArray(length) => length.into(),
            Marker::Array16 => self.unsigned(2)?,
            Marker::Array32 => self.unsigned(4)?,
            _ => return Err(self.error("a set that is not an array")),
        };
        self.level.end = outer;
        let opened = self.open(Shape::Set, left)?;
        self.level.end = end;
        Ok(opened)
    }

    fn reference(&mut self, content: &[u8], place: Place) -> Result<Token<'de>, DecodeError> {
        let [index] = content else { return Err(self.error("a reference to a key that is not one byte")) };
        if place != Place::Key {
            return Err(self.error("a reference to a key where no key stands"));
        }
        let key = self.keys.get(usize::from(*index)).copied();
        let key = key.ok_or_else(|| self.error("a reference to a key that was not there"))?;
        let (Key::Keyword(text) | Key::String(text)) = key;
        self.expansion.spend(text.len())?;
        Ok(key.token())
    }

    fn open_counted(&mut self, shape: Shape, bytes: usize) -> Result<Token<'de>, DecodeError> {
        let length = self.unsigned(bytes)?;
        self.open(shape, length)
    }

    fn open(&mut self, shape: Shape, length: u64) -> Result<Token<'de>, DecodeError> {
        if self.outer.len() >= self.max_depth {
            return Err(DecodeError::Depth(self.max_depth));
        }
        let left = if shape == Shape::Map { 2 * length } else { length };
        let level = Level { shape: Some(shape), left, end: self.level.end };
        self.outer.push(std::mem::replace(&mut self.level, level));
        Ok(Token::Open(shape))
    }

    fn close(&mut self) -> Result<Token<'de>, DecodeError> {
        if self.level.shape == Some(Shape::Set) && self.at != self.level.end {
            return Err(self.error("an extension that is longer than its set"));
        }
        if let Some(outer) = self.outer.pop() {
            self.level = outer;
        }
        Ok(Token::Close)
    }

    /// Between two messages: nothing more, or only the zeros that Sente's clients pad with.
    fn is_finished(&self) -> bool {
        let rest = &self.data[self.at..];
        rest.is_empty() || (self.at > 0 && rest.iter().all(|byte| *byte == 0))
    }
}

#[inline]
fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn utf8(content: &[u8]) -> Result<&str, What> {
    simdutf8::basic::from_utf8(content).map_err(|_| "text that is not UTF-8")
}

fn big(value: u64) -> Token<'static> {
    Token::BigInteger(value.to_string().into())
}

fn uuid(content: &[u8]) -> Result<[u8; 16], What> {
    ser::parse_uuid(utf8(content)?).ok_or("a UUID that is not one")
}

fn character(content: &[u8]) -> Result<char, What> {
    let mut characters = utf8(content)?.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(character),
        _ => Err("a character that is not one"),
    }
}

/// Two integers, the second positive.
fn ratio(content: &[u8]) -> Result<Token<'static>, What> {
    const NOT: What = "a ratio that is not two integers";
    let mut parts = Lexer::new(content, 0);
    let mut part = || match parts.item(Place::Value) {
        Ok(Token::Integer(value)) => Ok(value),
        _ => Err(NOT),
    };
    let (numerator, denominator) = (part()?, part()?);
    if denominator < 1 || parts.at != content.len() {
        return Err(NOT);
    }
    Ok(Token::Ratio(format!("{numerator}/{denominator}").into()))
}

/// All three forms of MessagePack's timestamp, in milliseconds.
fn timestamp(content: &[u8]) -> Option<i64> {
    let (seconds, nanos) = match content.len() {
        4 => (i64::try_from(big_endian(content)).ok()?, 0),
        8 => (i64::try_from(big_endian(content) & 0x3_ffff_ffff).ok()?, big_endian(content) >> 34),
        12 => (big_endian(&content[4..]).cast_signed(), big_endian(&content[..4])),
        _ => return None,
    };
    let millis = i64::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)? / 1_000_000;
    // The earliest second that holds a millisecond of 64 bits begins before the first of them.
    i64::try_from(i128::from(seconds) * 1000 + i128::from(millis)).ok()
}

impl<'de> Shortcuts<'de> for Lexer<'de> {}

impl<'de> Source<'de> for Lexer<'de> {
    const WIDENS: bool = false;

    fn next(&mut self) -> Result<Token<'de>, DecodeError> {
        if let Some(bytes) = self.pending.take() {
            self.start = self.at;
            return Ok(Token::Bytes(Cow::Borrowed(bytes)));
        }
        self.start = self.at;
        if self.level.left == 0 {
            return self.close();
        }
        if self.level.shape.is_none() {
            if self.is_finished() {
                return Ok(Token::End);
            }
            // Every message has a cache of its own.
            self.keys.clear();
        }
        let place = self.place();
        // Counted before it is read: what it opens counts its own.
        self.level.left -= 1;
        self.item(place)
    }

    fn start(&self) -> usize {
        self.start
    }

    fn end(&self) -> usize {
        self.at
    }
}
