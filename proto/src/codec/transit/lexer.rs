//! Text to tokens: JSON's, understood as transit.

use super::cache::{MAP, Place, Seen};
use super::scalar::{self, Scalar};
use crate::codec::json_text;
use crate::codec::{DecodeError, number};
use crate::value::shortcuts::Shortcuts;
use crate::value::token::{Shape, Source, Token};
use std::borrow::Cow;

/// Where reading stands.
#[derive(Clone)]
pub(crate) struct Lexer<'de> {
    json: json_text::Lexer<'de>,
    /// What was looked at to learn what an array or object is.
    ahead: Option<Piece<'de>>,
    /// The text of a tag of one letter, after the tag.
    pending: Option<Cow<'de, str>>,
    level: Level,
    outer: Vec<Level>,
    seen: Seen<'de>,
    start: usize,
}

/// A piece of JSON whose codes are resolved.
#[derive(Clone)]
enum Piece<'de> {
    Text(Cow<'de, str>),
    Other(Token<'de>),
}

#[derive(Clone, Copy)]
struct Level {
    kind: Kind,
    /// Keys count as well as values.
    items: usize,
}

/// What an array or object of JSON is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// No array: the text itself.
    Text,
    /// Of a vector, list or set.
    Elements,
    /// Of a map, as an array or object.
    Entries,
    /// Of a map whose keys stand as values do.
    CompositeEntries,
    /// A tag and the one value it tags.
    Tagged,
}

impl<'de> Lexer<'de> {
    pub(crate) fn new(text: &'de str, max_depth: usize) -> Self {
        Self {
            json: json_text::Lexer::new(text, max_depth),
            ahead: None,
            pending: None,
            level: Level { kind: Kind::Text, items: 0 },
            outer: Vec::new(),
            seen: Seen::new(text.len()),
            start: 0,
        }
    }

    fn error(&self, what: &'static str) -> DecodeError {
        DecodeError::Syntax { what, at: self.json.start() }
    }

    fn piece(&mut self, place: Place) -> Result<Piece<'de>, DecodeError> {
        if let Some(piece) = self.ahead.take() {
            return Ok(piece);
        }
        match self.json.next()? {
            Token::String(text) => {
                let resolved = self.seen.resolve(text, place)?;
                resolved.map(Piece::Text).ok_or_else(|| self.error("a code that stands for nothing"))
            }
            other => Ok(Piece::Other(other)),
        }
    }

    fn place(&self) -> Place {
        if self.level.kind == Kind::Entries && self.level.items.is_multiple_of(2) { Place::Key } else { Place::Value }
    }

    fn open(&mut self, kind: Kind) {
        self.outer.push(std::mem::replace(&mut self.level, Level { kind, items: 0 }));
    }

    fn leave(&mut self) {
        if let Some(outer) = self.outer.pop() {
            self.level = outer;
        }
    }

    /// A value has ended, and with it the tags around it.
    fn complete(&mut self) -> Result<(), DecodeError> {
        self.level.items += 1;
        while self.level.kind == Kind::Tagged {
            if !matches!(self.piece(Place::Value)?, Piece::Other(Token::Close)) {
                return Err(self.error("a tag with more than one value"));
            }
            self.leave();
            self.level.items += 1;
        }
        Ok(())
    }

    fn array(&mut self) -> Result<Token<'de>, DecodeError> {
        match self.piece(Place::Value)? {
            Piece::Text(text) if text == MAP => {
                self.open(Kind::Entries);
                Ok(Token::Open(Shape::Map))
            }
            Piece::Text(text) if text.starts_with("~#") => self.tagged(scalar::after(text, 2)),
            first => {
                self.ahead = Some(first);
                self.open(Kind::Elements);
                Ok(Token::Open(Shape::Vector))
            }
        }
    }

    fn object(&mut self) -> Result<Token<'de>, DecodeError> {
        match self.piece(Place::Key)? {
            Piece::Text(text) if text.starts_with("~#") => self.tagged(scalar::after(text, 2)),
            first => {
                self.ahead = Some(first);
                self.open(Kind::Entries);
                Ok(Token::Open(Shape::Map))
            }
        }
    }

    fn tagged(&mut self, tag: Cow<'de, str>) -> Result<Token<'de>, DecodeError> {
        self.open(Kind::Tagged);
        match &*tag {
            // A quote says nothing. As deep as JSON may be nested.
            "'" => self.token(),
            "set" => self.rep(Kind::Elements, Shape::Set),
            "list" => self.rep(Kind::Elements, Shape::List),
            "cmap" => self.rep(Kind::CompositeEntries, Shape::Map),
            "ratio" => self.ratio(),
            name if scalar::is_reserved(name) => Err(self.error("a tag that is for text alone")),
            _ => Ok(Token::Tag(tag)),
        }
    }

    /// The array that a tag is about: a plain one.
    fn rep(&mut self, kind: Kind, shape: Shape) -> Result<Token<'de>, DecodeError> {
        const NOT: &str = "a tag whose value is not an array";
        if !matches!(self.piece(Place::Value)?, Piece::Other(Token::Open(Shape::Vector))) {
            return Err(self.error(NOT));
        }
        let first = self.piece(Place::Value)?;
        if matches!(&first, Piece::Text(text) if text == MAP || text.starts_with("~#")) {
            return Err(self.error(NOT));
        }
        self.ahead = Some(first);
        self.open(kind);
        Ok(Token::Open(shape))
    }

    fn ratio(&mut self) -> Result<Token<'de>, DecodeError> {
        const NOT: &str = "a ratio that is not two integers";
        if !matches!(self.piece(Place::Value)?, Piece::Other(Token::Open(Shape::Vector))) {
            return Err(self.error(NOT));
        }
        let ratio = format!("{}/{}", self.integer(NOT)?, self.integer(NOT)?);
        let closed = matches!(self.piece(Place::Value)?, Piece::Other(Token::Close));
        if !closed || !number::is_ratio(&ratio) {
            return Err(self.error(NOT));
        }
        self.complete()?;
        Ok(Token::Ratio(ratio.into()))
    }

    fn integer(&mut self, not: &'static str) -> Result<Cow<'de, str>, DecodeError> {
        let token = match self.piece(Place::Value)? {
            Piece::Text(text) => match scalar::read(text) {
                Ok(Scalar::Token(token)) => token,
                _ => return Err(self.error(not)),
            },
            Piece::Other(token) => token,
        };
        match token {
            Token::Integer(value) => Ok(value.to_string().into()),
            Token::BigInteger(text) => Ok(text.trim_start_matches('+').to_owned().into()),
            _ => Err(self.error(not)),
        }
    }

    fn text(&mut self, text: Cow<'de, str>) -> Result<Token<'de>, DecodeError> {
        let scalar = scalar::read(text).map_err(|what| self.error(what))?;
        self.complete()?;
        match scalar {
            Scalar::Token(token) => Ok(token),
            Scalar::Tagged(tag, text) => {
                self.pending = Some(text);
                Ok(Token::Tag(tag))
            }
        }
    }

    fn close(&mut self) -> Result<Token<'de>, DecodeError> {
        match self.level.kind {
            Kind::Tagged => return Err(self.error("a tag that tags nothing")),
            Kind::Entries | Kind::CompositeEntries if self.level.items % 2 == 1 => {
                return Err(self.error("a key without a value"));
            }
            _ => self.leave(),
        }
        self.complete()?;
        Ok(Token::Close)
    }

    fn token(&mut self) -> Result<Token<'de>, DecodeError> {
        let piece = self.piece(self.place())?;
        self.start = self.json.start();
        match piece {
            Piece::Text(text) => self.text(text),
            Piece::Other(Token::Open(Shape::Map)) => self.object(),
            Piece::Other(Token::Open(_)) => self.array(),
            Piece::Other(Token::Close) => self.close(),
            Piece::Other(Token::End) => Ok(Token::End),
            Piece::Other(token) => {
                self.complete()?;
                Ok(token)
            }
        }
    }
}

impl<'de> Shortcuts<'de> for Lexer<'de> {}

impl<'de> Source<'de> for Lexer<'de> {
    const WIDENS: bool = false;

    fn next(&mut self) -> Result<Token<'de>, DecodeError> {
        if let Some(text) = self.pending.take() {
            return Ok(Token::String(text));
        }
        if self.level.kind == Kind::Text {
            // Every message has a cache of its own.
            self.seen.clear();
        }
        self.token()
    }

    fn start(&self) -> usize {
        self.start
    }

    fn end(&self) -> usize {
        self.json.end()
    }
}
