//! Tokens to values, and tokens checked without a value. Both refuse a key or a set's element that comes twice.

use super::Value;
use super::token::{Shape, Source, Token, Tokens};
use crate::codec::DecodeError;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};

/// Up to so many keys are compared in pairs; beyond, they are hashed, so that a hostile map cannot take quadratic time.
const PAIRWISE: usize = 8;

const TWICE: &str = "a key or element that is there already";

/// Reads the next form.
pub(crate) fn value<'de, S: Source<'de>>(tokens: &mut Tokens<'de, S>) -> Result<Value, DecodeError> {
    let token = tokens.next()?;
    rest(token, tokens)
}

fn rest<'de, S: Source<'de>>(token: Token<'de>, tokens: &mut Tokens<'de, S>) -> Result<Value, DecodeError> {
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
        match tokens.next()? {
            Token::Close => break,
            token => elements.push(rest(token, tokens)?),
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
        match tokens.next()? {
            Token::Close => break,
            token => {
                let key = rest(token, tokens)?;
                entries.push((key, value(tokens)?));
            }
        }
    }
    if distinct(entries.iter().map(|(key, _)| key)) { Ok(Value::Map(entries)) } else { Err(tokens.syntax(TWICE)) }
}

/// Whether no item is there twice.
fn distinct<T: Eq + Hash>(items: impl ExactSizeIterator<Item = T> + Clone) -> bool {
    if items.len() <= PAIRWISE {
        return items.clone().enumerate().all(|(index, item)| items.clone().skip(index + 1).all(|other| item != other));
    }
    let mut seen = HashSet::with_capacity(items.len());
    items.into_iter().all(|item| seen.insert(item))
}

/// Passes over the next form, checking it as [`value`] does. Only keys and elements that are collections are built.
pub(crate) fn skip<'de, S: Source<'de>>(tokens: &mut Tokens<'de, S>) -> Result<(), DecodeError> {
    let first = tokens.next()?;
    let mut keys = Vec::new();
    skip_rest(&first, tokens, &mut keys)
}

fn skip_rest<'de, S: Source<'de>>(
    token: &Token<'de>,
    tokens: &mut Tokens<'de, S>,
    keys: &mut Vec<Key<'de>>,
) -> Result<(), DecodeError> {
    match token {
        Token::Tag(_) => {
            let inner = tokens.next()?;
            skip_rest(&inner, tokens, keys)
        }
        Token::Open(shape) => skip_collection(*shape, tokens, keys),
        Token::Close | Token::End => Err(tokens.syntax("a value is missing")),
        _ => Ok(()),
    }
}

/// `keys` is one stack for all open collections; this one's part begins where it ends now.
fn skip_collection<'de, S: Source<'de>>(
    shape: Shape,
    tokens: &mut Tokens<'de, S>,
    keys: &mut Vec<Key<'de>>,
) -> Result<(), DecodeError> {
    let base = keys.len();
    loop {
        let token = tokens.next()?;
        match (token, shape) {
            (Token::Close, _) => break,
            (token, Shape::List | Shape::Vector) => skip_rest(&token, tokens, keys)?,
            (token, Shape::Map | Shape::Set) => {
                let key = key(token, tokens)?;
                keys.push(key);
                if shape == Shape::Map {
                    let value = tokens.next()?;
                    skip_rest(&value, tokens, keys)?;
                }
            }
        }
    }
    if !distinct(keys[base..].iter()) {
        return Err(tokens.syntax(TWICE));
    }
    keys.truncate(base);
    Ok(())
}

fn key<'de, S: Source<'de>>(token: Token<'de>, tokens: &mut Tokens<'de, S>) -> Result<Key<'de>, DecodeError> {
    match token {
        Token::String(_) | Token::Keyword(_) | Token::Symbol(_) | Token::Integer(_) => Ok(Key::Plain(token)),
        // Everything else may be equal to something that is written differently.
        other => Ok(Key::Built(rest(other, tokens)?)),
    }
}

/// A key or element while its collection is checked. Plain tokens never equal anything that is built, but integers.
enum Key<'de> {
    Plain(Token<'de>),
    Built(Value),
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(a), Self::Plain(b)) => a == b,
            (Self::Built(a), Self::Built(b)) => a == b,
            (Self::Plain(Token::Integer(a)), Self::Built(b)) | (Self::Built(b), Self::Plain(Token::Integer(a))) => {
                *b == Value::Integer(*a)
            }
            _ => false,
        }
    }
}

impl Eq for Key<'_> {}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Plain(Token::String(text)) => (9_u8, text).hash(state),
            Self::Plain(Token::Keyword(text)) => (10_u8, text).hash(state),
            Self::Plain(Token::Symbol(text)) => (11_u8, text).hash(state),
            // As a value hashes, so that 1 and 1N meet.
            Self::Plain(Token::Integer(value)) => Value::Integer(*value).hash(state),
            Self::Plain(_) => {}
            Self::Built(value) => value.hash(state),
        }
    }
}
