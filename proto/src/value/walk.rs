//! A value as a source of tokens.

use super::Value;
use super::shortcuts::Shortcuts;
use super::token::{Shape, Source, Token};
use crate::codec::DecodeError;
use std::borrow::Cow;
use std::slice::Iter;

/// Where a walk through a value stands.
#[derive(Clone)]
pub(crate) struct Walk<'v> {
    /// The next value, when it is known: at the start, after a tag and after a key.
    next: Option<&'v Value>,
    open: Vec<Level<'v>>,
}

#[derive(Clone)]
enum Level<'v> {
    Elements(Iter<'v, Value>),
    Entries(Iter<'v, (Value, Value)>, Option<&'v Value>),
}

impl<'v> Walk<'v> {
    pub(crate) fn new(value: &'v Value) -> Self {
        Self { next: Some(value), open: Vec::new() }
    }

    /// The value that comes next, or `None` at the end of a collection.
    fn step(&mut self) -> Option<&'v Value> {
        if let Some(value) = self.next.take() {
            return Some(value);
        }
        match self.open.last_mut()? {
            Level::Elements(elements) => elements.next(),
            Level::Entries(_, value @ Some(_)) => value.take(),
            Level::Entries(entries, waiting) => {
                let (key, value) = entries.next()?;
                *waiting = Some(value);
                Some(key)
            }
        }
    }

    fn elements(&mut self, shape: Shape, elements: &'v [Value]) -> Token<'v> {
        self.open.push(Level::Elements(elements.iter()));
        Token::Open(shape)
    }
}

impl<'v> Shortcuts<'v> for Walk<'v> {}

impl<'v> Source<'v> for Walk<'v> {
    const WIDENS: bool = false;

    fn next(&mut self) -> Result<Token<'v>, DecodeError> {
        let Some(value) = self.step() else {
            return Ok(if self.open.pop().is_some() { Token::Close } else { Token::End });
        };
        Ok(match value {
            Value::Nil => Token::Nil,
            Value::Boolean(value) => Token::Boolean(*value),
            Value::Integer(value) => Token::Integer(*value),
            Value::BigInteger(text) => Token::BigInteger(Cow::Borrowed(text)),
            Value::Float(value) => Token::Float(*value),
            Value::Decimal(text) => Token::Decimal(Cow::Borrowed(text)),
            Value::Ratio(text) => Token::Ratio(Cow::Borrowed(text)),
            Value::Character(value) => Token::Character(*value),
            Value::String(text) => Token::String(Cow::Borrowed(text)),
            Value::Keyword(text) => Token::Keyword(Cow::Borrowed(text)),
            Value::Symbol(text) => Token::Symbol(Cow::Borrowed(text)),
            Value::Instant(millis) => Token::Instant(*millis),
            Value::Uuid(bytes) => Token::Uuid(*bytes),
            Value::Bytes(bytes) => Token::Bytes(Cow::Borrowed(bytes)),
            Value::Tagged(tag, value) => {
                self.next = Some(value);
                Token::Tag(Cow::Borrowed(tag))
            }
            Value::List(elements) => self.elements(Shape::List, elements),
            Value::Vector(elements) => self.elements(Shape::Vector, elements),
            Value::Set(elements) => self.elements(Shape::Set, elements),
            Value::Map(entries) => {
                self.open.push(Level::Entries(entries.iter(), None));
                Token::Open(Shape::Map)
            }
        })
    }

    fn start(&self) -> usize {
        0
    }

    fn end(&self) -> usize {
        0
    }
}
