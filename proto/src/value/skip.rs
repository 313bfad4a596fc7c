//! Tokens checked as [`build`] does, without a value. Only keys and elements that are collections are built.

use super::Value;
use super::build::{self, TWICE};
use super::shortcuts::{Marked, Name};
use super::token::{Member, Shape, Source, Token, Tokens};
use crate::codec::DecodeError;
use std::borrow::Cow;
use std::hash::{Hash, Hasher};

/// Up to so many names are compared in pairs: their marks tell nearly all apart.
const PAIRWISE: usize = 32;

/// Passes over the next form.
pub(crate) fn skip<'de, S: Source<'de>>(tokens: &mut Tokens<'de, S>) -> Result<(), DecodeError> {
    skip_form(tokens, &mut Keys { names: Vec::new(), others: Vec::new() })
}

/// The keys of all open collections, one after another.
struct Keys<'de> {
    names: Vec<Marked<'de>>,
    others: Vec<Key<'de>>,
}

fn skip_form<'de, S: Source<'de>>(tokens: &mut Tokens<'de, S>, keys: &mut Keys<'de>) -> Result<(), DecodeError> {
    if tokens.name().is_some() {
        return Ok(());
    }
    if let Some(shape) = tokens.opens() {
        return skip_collection(shape, tokens, keys);
    }
    if tokens.number().is_some() || tokens.word().is_some() {
        return Ok(());
    }
    let token = tokens.next()?;
    skip_rest(&token, tokens, keys)
}

fn skip_rest<'de, S: Source<'de>>(
    token: &Token<'de>,
    tokens: &mut Tokens<'de, S>,
    keys: &mut Keys<'de>,
) -> Result<(), DecodeError> {
    match token {
        Token::Tag(_) => skip_form(tokens, keys),
        Token::Open(shape) => skip_collection(*shape, tokens, keys),
        Token::Close | Token::End => Err(tokens.syntax("a value is missing")),
        _ => Ok(()),
    }
}

fn skip_collection<'de, S: Source<'de>>(
    shape: Shape,
    tokens: &mut Tokens<'de, S>,
    keys: &mut Keys<'de>,
) -> Result<(), DecodeError> {
    let (names, others) = (keys.names.len(), keys.others.len());
    let mut members = 0;
    loop {
        members += tokens.passes(&mut keys.names);
        let is_key = shape == Shape::Set || (shape == Shape::Map && members % 2 == 0);
        match tokens.member()? {
            Member::End => break,
            Member::Ahead if is_key => {
                let token = tokens.next()?;
                keys.others.push(key(token, tokens)?);
            }
            Member::Token(token) if is_key => keys.others.push(key(token, tokens)?),
            Member::Ahead => skip_form(tokens, keys)?,
            Member::Token(token) => skip_rest(&token, tokens, keys)?,
        }
        members += 1;
    }
    if !keys.are_distinct_from(names, others) {
        return Err(tokens.syntax(TWICE));
    }
    keys.names.truncate(names);
    keys.others.truncate(others);
    Ok(())
}

fn key<'de, S: Source<'de>>(token: Token<'de>, tokens: &mut Tokens<'de, S>) -> Result<Key<'de>, DecodeError> {
    match token {
        Token::String(text) => Ok(Key::String(text)),
        Token::Keyword(text) => Ok(Key::Keyword(text)),
        Token::Symbol(text) => Ok(Key::Symbol(text)),
        Token::Integer(value) => Ok(Key::Integer(value)),
        // Everything else may be equal to something that is written differently.
        other => Ok(Key::Built(build::rest(other, tokens)?)),
    }
}

impl Keys<'_> {
    /// Whether those of the innermost collection, which begin at `names` and `others`, all differ.
    #[inline]
    fn are_distinct_from(&self, names: usize, others: usize) -> bool {
        let names = &self.names[names..];
        if self.others.len() == others {
            if names.len() <= PAIRWISE { differ_in_pairs(names) } else { differ(names, &[]) }
        } else {
            differ(names, &self.others[others..])
        }
    }
}

fn differ_in_pairs(names: &[Marked<'_>]) -> bool {
    for (index, name) in names.iter().enumerate() {
        for other in &names[..index] {
            if name.mark == other.mark && name.name == other.name {
                return false;
            }
        }
    }
    true
}

fn differ(names: &[Marked<'_>], others: &[Key<'_>]) -> bool {
    let named = names.iter().map(|marked| match marked.name {
        Name::String(text) => Key::String(Cow::Borrowed(text)),
        Name::Keyword(text) => Key::Keyword(Cow::Borrowed(text)),
    });
    if names.is_empty() {
        return build::distinct(others.iter());
    }
    let named: Vec<Key<'_>> = named.collect();
    let all: Vec<&Key<'_>> = named.iter().chain(others).collect();
    build::distinct(all.iter())
}

/// A key or element while its collection is checked. Text never equals anything that is built, but integers may.
#[derive(Debug)]
enum Key<'de> {
    String(Cow<'de, str>),
    Keyword(Cow<'de, str>),
    Symbol(Cow<'de, str>),
    Integer(i64),
    Built(Value),
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::String(a), Self::String(b))
            | (Self::Keyword(a), Self::Keyword(b))
            | (Self::Symbol(a), Self::Symbol(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Built(a), Self::Built(b)) => a == b,
            (Self::Integer(a), Self::Built(b)) | (Self::Built(b), Self::Integer(a)) => *b == Value::Integer(*a),
            _ => false,
        }
    }
}

impl Eq for Key<'_> {}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::String(text) => (9_u8, text).hash(state),
            Self::Keyword(text) => (10_u8, text).hash(state),
            Self::Symbol(text) => (11_u8, text).hash(state),
            // As a value hashes, so that 1 and 1N meet.
            Self::Integer(value) => Value::Integer(*value).hash(state),
            Self::Built(value) => value.hash(state),
        }
    }
}
