//! Tokens to values. A key or a set's element that comes twice is refused.

use super::Value;
use super::shortcuts::{Name, Number, Word};
use super::token::{Member, Shape, Source, Token, Tokens};
use crate::codec::DecodeError;
use std::collections::HashSet;
use std::hash::Hash;

/// Up to so many keys are compared in pairs; beyond, they are hashed, so that a hostile map cannot take quadratic time.
const PAIRWISE: usize = 8;

pub(super) const TWICE: &str = "a key or element that is there already";

/// Reads the next form.
pub(crate) fn value<'de, S: Source<'de>>(tokens: &mut Tokens<'de, S>) -> Result<Value, DecodeError> {
    if let Some(scalar) = plain(tokens) {
        return Ok(scalar);
    }
    match tokens.opens() {
        Some(Shape::Map) => map(tokens),
        Some(shape) => elements(shape, tokens),
        None => {
            let token = tokens.next()?;
            rest(token, tokens)
        }
    }
}

/// What the short ways know.
fn plain<'de, S: Source<'de>>(tokens: &mut Tokens<'de, S>) -> Option<Value> {
    if let Some(name) = tokens.name() {
        return Some(match name {
            Name::String(text) => Value::String(text.into()),
            Name::Keyword(text) => Value::Keyword(text.into()),
        });
    }
    if let Some(number) = tokens.number() {
        return Some(number.into());
    }
    tokens.word().map(|word| match word {
        Word::Nil => Value::Nil,
        Word::Boolean(value) => Value::Boolean(value),
    })
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        match number {
            Number::Integer(value) => Self::Integer(value),
            Number::Float(value) => Self::Float(value),
        }
    }
}

pub(super) fn rest<'de, S: Source<'de>>(token: Token<'de>, tokens: &mut Tokens<'de, S>) -> Result<Value, DecodeError> {
    match token {
        Token::Tag(tag) => Ok(Value::Tagged(tag.into(), Box::new(value(tokens)?))),
        Token::Open(Shape::Map) => map(tokens),
        Token::Open(shape) => elements(shape, tokens),
        Token::Close | Token::End => Err(tokens.syntax("a value is missing")),
        scalar => Ok(from_scalar(scalar)),
    }
}

fn from_scalar(token: Token<'_>) -> Value {
    match token {
        Token::Boolean(value) => Value::Boolean(value),
        Token::Integer(value) => Value::Integer(value),
        Token::BigInteger(text) => Value::BigInteger(text.into()),
        Token::Float(value) => Value::Float(value),
        Token::Decimal(text) => Value::Decimal(text.into()),
        Token::Ratio(text) => Value::Ratio(text.into()),
        Token::Character(value) => Value::Character(value),
        Token::String(text) => Value::String(text.into()),
        Token::Keyword(text) => Value::Keyword(text.into()),
        Token::Symbol(text) => Value::Symbol(text.into()),
        Token::Instant(millis) => Value::Instant(millis),
        Token::Uuid(bytes) => Value::Uuid(bytes),
        Token::Bytes(bytes) => Value::Bytes(bytes.into_owned().into()),
        Token::Nil | Token::Tag(_) | Token::Open(_) | Token::Close | Token::End => Value::Nil,
    }
}

fn elements<'de, S: Source<'de>>(shape: Shape, tokens: &mut Tokens<'de, S>) -> Result<Value, DecodeError> {
    let mut elements = Vec::new();
    loop {
        match tokens.member()? {
            Member::End => break,
            Member::Ahead => elements.push(value(tokens)?),
            Member::Token(token) => elements.push(rest(token, tokens)?),
        }
    }
    match shape {
        Shape::List => Ok(Value::List(elements)),
        Shape::Vector | Shape::Map => Ok(Value::Vector(elements)),
        Shape::Set if distinct(elements.iter()) => Ok(Value::Set(elements)),
        Shape::Set => Err(tokens.syntax(TWICE)),
    }
}

fn map<'de, S: Source<'de>>(tokens: &mut Tokens<'de, S>) -> Result<Value, DecodeError> {
    let mut entries = Vec::new();
    loop {
        let key = match tokens.member()? {
            Member::End => break,
            Member::Ahead => value(tokens)?,
            Member::Token(token) => rest(token, tokens)?,
        };
        entries.push((key, value(tokens)?));
    }
    if distinct(entries.iter().map(|(key, _)| key)) { Ok(Value::Map(entries)) } else { Err(tokens.syntax(TWICE)) }
}

/// Whether no item is there twice.
pub(super) fn distinct<T: Eq + Hash>(items: impl ExactSizeIterator<Item = T> + Clone) -> bool {
    if items.len() <= PAIRWISE {
        return items.clone().enumerate().all(|(index, item)| items.clone().skip(index + 1).all(|other| item != other));
    }
    let mut seen = HashSet::with_capacity(items.len());
    items.into_iter().all(|item| seen.insert(item))
}
