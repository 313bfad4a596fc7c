//! Bytes to tokens, without recursion.

use super::{KEYS, extension};
use crate::codec::DecodeError;
use crate::codec::cache::Expansion;
use crate::value::ser;
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

/// A key that may be referred to.
#[derive(Clone, Copy)]
pub(super) enum Key<'de> {
    Keyword(&'de str),
    String(&'de str),
}

impl<'de> Key<'de> {
    fn of(token: &Token<'de>) -> Option<Self> {
        match token {
            Token::Keyword(Cow::Borrowed(name)) => Some(Self::Keyword(name)),
            Token::String(Cow::Borrowed(text)) => Some(Self::String(text)),
            _ => None,
        }
    }

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
        self.level.shape == Some(Shape::Map) && self.level.left.is_multiple_of(2)
    }

    /// How many values the collection holds that was opened last.
    pub(super) fn left(&self) -> u64 {
        self.level.left
    }

    fn error(&self, what: What) -> DecodeError {
        DecodeError::Syntax { what, at: self.start }
    }

    fn take(&mut self, length: usize) -> Result<&'de [u8], What> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.level.end).ok_or(CUT)?;
        let taken = &self.data[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// So many bytes as a big-endian integer.
    fn unsigned(&mut self, length: usize) -> Result<u64, What> {
        Ok(self.take(length)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    /// The same with a sign.
    fn signed(&mut self, length: usize) -> Result<i64, What> {
        let unused = 64 - 8 * length as u32;
        Ok((self.unsigned(length)? << unused).cast_signed() >> unused)
    }

    fn length(&mut self, bytes: usize) -> Result<usize, What> {
        usize::try_from(self.unsigned(bytes)?).map_err(|_| CUT)
    }

    fn text(&mut self, length: usize) -> Result<Cow<'de, str>, What> {
        utf8(self.take(length)?).map(Cow::Borrowed)
    }

    fn item(&mut self) -> Result<Item<'de>, What> {
        let marker = Marker::from_u8(self.take(1)?[0]);
        let token = match marker {
            Marker::Null => Token::Nil,
            Marker::False => Token::Boolean(false),
            Marker::True => Token::Boolean(true),
            Marker::F32 => Token::Float(f64::from(f32::from_bits(self.unsigned(4)? as u32))),
            Marker::F64 => Token::Float(f64::from_bits(self.unsigned(8)?)),
            Marker::FixStr(length) => Token::String(self.text(length.into())?),
            Marker::Str8 => self.string(1)?,
            Marker::Str16 => self.string(2)?,
            Marker::Str32 => self.string(4)?,
            Marker::Bin8 => self.bytes(1)?,
            Marker::Bin16 => self.bytes(2)?,
            Marker::Bin32 => self.bytes(4)?,
            Marker::FixArray(length) => return Ok(Item::Open(Shape::Vector, length.into())),
            Marker::Array16 => return Ok(Item::Open(Shape::Vector, self.unsigned(2)?)),
            Marker::Array32 => return Ok(Item::Open(Shape::Vector, self.unsigned(4)?)),
            Marker::FixMap(length) => return Ok(Item::Open(Shape::Map, 2 * u64::from(length))),
            Marker::Map16 => return Ok(Item::Open(Shape::Map, 2 * self.unsigned(2)?)),
            Marker::Map32 => return Ok(Item::Open(Shape::Map, 2 * self.unsigned(4)?)),
            Marker::FixExt1 => return self.extension(1),
            Marker::FixExt2 => return self.extension(2),
            Marker::FixExt4 => return self.extension(4),
            Marker::FixExt8 => return self.extension(8),
            Marker::FixExt16 => return self.extension(16),
            Marker::Ext8 => return self.length(1).and_then(|length| self.extension(length)),
            Marker::Ext16 => return self.length(2).and_then(|length| self.extension(length)),
            Marker::Ext32 => return self.length(4).and_then(|length| self.extension(length)),
            Marker::Reserved => return Err("a byte that MessagePack never uses"),
            number => self.integer(number)?,
        };
        Ok(Item::Scalar(token))
    }

    fn integer(&mut self, marker: Marker) -> Result<Token<'de>, What> {
        Ok(Token::Integer(match marker {
            Marker::FixPos(value) => value.into(),
            Marker::FixNeg(value) => value.into(),
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
            _ => return Err("an integer is missing"),
        }))
    }

    fn string(&mut self, bytes: usize) -> Result<Token<'de>, What> {
        let length = self.length(bytes)?;
        self.text(length).map(Token::String)
    }

    fn bytes(&mut self, bytes: usize) -> Result<Token<'de>, What> {
        let length = self.length(bytes)?;
        Ok(Token::Bytes(Cow::Borrowed(self.take(length)?)))
    }

    /// An extension whose content takes so many bytes; its type comes first.
    fn extension(&mut self, length: usize) -> Result<Item<'de>, What> {
        let kind = self.take(1)?[0].cast_signed();
        if kind == extension::SET {
            return self.set(length);
        }
        let content = self.take(length)?;
        let token = match kind {
            extension::KEYWORD => Token::Keyword(utf8(content)?.into()),
            extension::SYMBOL => Token::Symbol(utf8(content)?.into()),
            extension::CHARACTER => Token::Character(character(utf8(content)?)?),
            extension::RATIO => ratio(content)?,
            extension::UUID => Token::Uuid(ser::parse_uuid(utf8(content)?).ok_or("a UUID that is not one")?),
            extension::TIMESTAMP => Token::Instant(timestamp(content).ok_or("a timestamp that is not one")?),
            extension::KEY => return self.reference(content),
            unknown => {
                self.pending = Some(content);
                Token::Tag(format!("{}{unknown}", extension::TAG).into())
            }
        };
        Ok(Item::Scalar(token))
    }

    /// A set: an array that fills its extension.
    fn set(&mut self, length: usize) -> Result<Item<'de>, What> {
        const NOT: What = "a set that is not an array";
        let end = self.at.checked_add(length).filter(|end| *end <= self.level.end).ok_or(CUT)?;
        if length == 0 {
            return Err(NOT);
        }
        match self.item_of_set(end)? {
            Item::Open(Shape::Vector, left) => Ok(Item::Set { left, end }),
            _ => Err(NOT),
        }
    }

    fn item_of_set(&mut self, end: usize) -> Result<Item<'de>, What> {
        // Only the head of an array may stand here, so that this never becomes a recursion.
        let is_array = matches!(self.data[self.at], 0x90..=0x9f | 0xdc | 0xdd);
        let outer = std::mem::replace(&mut self.level.end, end);
        let item = if is_array { self.item() } else { Err("a set that is not an array") };
        self.level.end = outer;
        item
    }

    fn reference(&mut self, content: &[u8]) -> Result<Item<'de>, What> {
        let [index] = content else { return Err("a reference to a key that is not one byte") };
        if !self.at_key() {
            return Err("a reference to a key where no key stands");
        }
        let key = self.keys.get(usize::from(*index)).ok_or("a reference to a key that was not there")?;
        Ok(Item::Reference(*key))
    }

    fn open(&mut self, shape: Shape, left: u64, end: usize) -> Result<Token<'de>, DecodeError> {
        if self.outer.len() >= self.max_depth {
            return Err(DecodeError::Depth(self.max_depth));
        }
        self.outer.push(std::mem::replace(&mut self.level, Level { shape: Some(shape), left, end }));
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

/// What was read, before it is counted.
enum Item<'de> {
    Scalar(Token<'de>),
    Reference(Key<'de>),
    Open(Shape, u64),
    Set { left: u64, end: usize },
}

fn utf8(content: &[u8]) -> Result<&str, What> {
    simdutf8::basic::from_utf8(content).map_err(|_| "text that is not UTF-8")
}

fn big(value: u64) -> Token<'static> {
    Token::BigInteger(value.to_string().into())
}

fn character(text: &str) -> Result<char, What> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(character),
        _ => Err("a character that is not one"),
    }
}

/// Two integers, the second positive.
fn ratio(content: &[u8]) -> Result<Token<'static>, What> {
    const NOT: What = "a ratio that is not two integers";
    let mut parts = Lexer::new(content, 0);
    let mut part = || match parts.item()? {
        Item::Scalar(Token::Integer(value)) => Ok(value),
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
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    let (seconds, nanos) = match content.len() {
        4 => (i64::try_from(number(content)).ok()?, 0),
        8 => (i64::try_from(number(content) & 0x3_ffff_ffff).ok()?, number(content) >> 34),
        12 => (number(&content[4..]).cast_signed(), number(&content[..4])),
        _ => return None,
    };
    let millis = i64::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)? / 1_000_000;
    // The earliest second that holds a millisecond of 64 bits begins before the first of them.
    i64::try_from(i128::from(seconds) * 1000 + i128::from(millis)).ok()
}

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
        let is_key = self.at_key();
        let item = self.item().map_err(|what| self.error(what))?;
        self.level.left -= 1;
        match item {
            Item::Open(shape, left) => self.open(shape, left, self.level.end),
            Item::Set { left, end } => self.open(Shape::Set, left, end),
            Item::Reference(key) => {
                let (Key::Keyword(text) | Key::String(text)) = key;
                self.expansion.spend(text.len())?;
                Ok(key.token())
            }
            Item::Scalar(token) => {
                if is_key && self.keys.len() < KEYS {
                    self.keys.extend(Key::of(&token));
                }
                Ok(token)
            }
        }
    }

    fn start(&self) -> usize {
        self.start
    }

    fn end(&self) -> usize {
        self.at
    }
}
