//! Text to tokens. What is nested is counted here, without recursion, so that no input can exhaust the stack.

mod shortcuts;

use super::{atom, string};
use crate::codec::DecodeError;
use crate::codec::levels::Levels;
use crate::value::token::{Shape, Source, Token};
use crate::value::{base64, instant, ser};
use std::borrow::Cow;

/// Where reading stands. Everything it yields borrows from the text where nothing had to be unescaped or qualified.
#[derive(Clone)]
pub(crate) struct Lexer<'de> {
    text: &'de str,
    at: usize,
    start: usize,
    /// The innermost open collection; the outermost level is the text itself.
    level: Level<'de>,
    outer: Levels,
    /// Of the outer levels those of which four bits do not say everything.
    special: Vec<Level<'de>>,
    /// Open collections and tags that wait for their form.
    depth: usize,
    max_depth: usize,
}

#[derive(Clone, Default)]
struct Level<'de> {
    shape: Option<Shape>,
    /// Of `#:ns{…}`.
    namespace: Option<&'de str>,
    /// Forms read: in a map, keys have even numbers.
    forms: usize,
    /// Tags and metadata whose form has yet to come.
    owed: usize,
    /// Forms that `#_` or `^` told to pass over.
    discards: usize,
}

impl Level<'_> {
    /// What stands for a level in which nothing is special: its shape, and whether a key waits for its value.
    const SPECIAL: u8 = 0xf;

    #[inline]
    fn bits(&self) -> u8 {
        let shape = match self.shape {
            None => 0,
            Some(Shape::List) => 1,
            Some(Shape::Vector) => 2,
            Some(Shape::Map) => 3,
            Some(Shape::Set) => 4,
        };
        let is_special = self.namespace.is_some() || self.owed > 0 || self.discards > 0;
        if is_special { Self::SPECIAL } else { shape << 1 | (self.forms % 2) as u8 }
    }

    #[inline]
    fn of_bits(bits: u8) -> Self {
        let shape = match bits >> 1 {
            1 => Some(Shape::List),
            2 => Some(Shape::Vector),
            3 => Some(Shape::Map),
            4 => Some(Shape::Set),
            _ => None,
        };
        Level { shape, forms: usize::from(bits & 1), ..Level::default() }
    }

    /// Whether the next form must be different from others.
    #[inline]
    fn is_key(&self) -> bool {
        match self.shape {
            Some(Shape::Map) => self.forms.is_multiple_of(2),
            Some(Shape::Set) => true,
            _ => false,
        }
    }

    fn is_whole(&self) -> bool {
        self.owed == 0 && self.discards == 0
    }

    /// Whether `bracket` closes this level, and no key waits for its value.
    #[inline]
    fn closes_with(&self, bracket: u8) -> bool {
        match self.shape {
            Some(Shape::Vector) => bracket == b']',
            Some(Shape::List) => bracket == b')',
            Some(Shape::Map) => bracket == b'}' && self.forms.is_multiple_of(2),
            Some(Shape::Set) => bracket == b'}',
            None => false,
        }
    }
}

impl<'de> Lexer<'de> {
    pub(crate) fn new(text: &'de str, max_depth: usize) -> Self {
        Self {
            text,
            at: 0,
            start: 0,
            level: Level::default(),
            outer: Levels::default(),
            special: Vec::new(),
            depth: 0,
            max_depth,
        }
    }

    fn error(&self, what: &'static str) -> DecodeError {
        DecodeError::Syntax { what, at: self.start }
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// Passes over whitespace, commas and comments.
    fn blank(&mut self) {
        while let Some(byte) = self.byte(0) {
            match byte {
                b' ' | b',' | b'\t'..=b'\r' | 0x1c..=0x1f => self.at += 1,
                b';' => {
                    let rest = &self.text.as_bytes()[self.at..];
                    self.at += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
                }
                _ => break,
            }
        }
    }

    /// One token, whether or not it is to be passed over; `None` for a discard, which was counted.
    fn raw(&mut self) -> Result<Option<Token<'de>>, DecodeError> {
        self.blank();
        self.start = self.at;
        let Some(byte) = self.byte(0) else { return self.end_of_text().map(Some) };
        match byte {
            b'[' => self.open(1, Shape::Vector, None).map(Some),
            b'(' => self.open(1, Shape::List, None).map(Some),
            b'{' => self.open(1, Shape::Map, None).map(Some),
            b']' | b')' | b'}' => self.close(byte).map(Some),
            b'"' => {
                let (text, length) = string::read(&self.text[self.at..]).map_err(|what| self.error(what))?;
                self.scalar(length, Token::String(text)).map(Some)
            }
            b'\\' => {
                let (character, length) = atom::character(&self.text[self.at..]).map_err(|what| self.error(what))?;
                self.scalar(length, Token::Character(character)).map(Some)
            }
            b'#' => self.dispatch(),
            b'^' => {
                // Metadata, which says nothing about the value: one form to pass over, before one that must come.
                self.deeper()?;
                self.level.owed += 1;
                self.level.discards += 1;
                self.at += 1;
                Ok(None)
            }
            _ => {
                let text = atom::extent(&self.text[self.at..]);
                let token = atom::read(text).map_err(|what| self.error(what))?;
                let token = self.qualify(token);
                self.scalar(text.len(), token).map(Some)
            }
        }
    }

    fn end_of_text(&self) -> Result<Token<'de>, DecodeError> {
        let complete = self.outer.len() == 0 && self.level.is_whole();
        if complete { Ok(Token::End) } else { Err(self.error("the text ends inside a form")) }
    }

    fn scalar(&mut self, length: usize, token: Token<'de>) -> Result<Token<'de>, DecodeError> {
        self.at += length;
        self.complete();
        Ok(token)
    }

    /// A form of this level has ended.
    fn complete(&mut self) {
        self.depth -= self.level.owed;
        self.level.owed = 0;
        if self.level.discards > 0 {
            self.level.discards -= 1;
        } else {
            self.level.forms += 1;
        }
    }

    fn deeper(&mut self) -> Result<(), DecodeError> {
        if self.depth >= self.max_depth {
            return Err(DecodeError::Depth(self.max_depth));
        }
        self.depth += 1;
        Ok(())
    }

    fn open(&mut self, length: usize, shape: Shape, namespace: Option<&'de str>) -> Result<Token<'de>, DecodeError> {
        if self.depth >= self.max_depth {
            return Err(DecodeError::Depth(self.max_depth));
        }
        self.at += length;
        self.enter(shape, namespace);
        Ok(Token::Open(shape))
    }

    #[inline]
    fn enter(&mut self, shape: Shape, namespace: Option<&'de str>) {
        self.depth += 1;
        let level = Level { shape: Some(shape), namespace, ..Level::default() };
        let outer = std::mem::replace(&mut self.level, level);
        let bits = outer.bits();
        self.outer.push(bits);
        if bits == Level::SPECIAL {
            self.special.push(outer);
        }
    }

    fn close(&mut self, bracket: u8) -> Result<Token<'de>, DecodeError> {
        let is_other = match self.level.shape {
            Some(Shape::Vector) => bracket != b']',
            Some(Shape::List) => bracket != b')',
            Some(Shape::Map | Shape::Set) => bracket != b'}',
            None => true,
        };
        if is_other {
            return Err(self.error("a bracket that closes nothing"));
        }
        if !self.level.is_whole() {
            return Err(self.error("a form is missing before the bracket"));
        }
        if !self.level.closes_with(bracket) {
            return Err(self.error("a key without a value"));
        }
        self.at += 1;
        self.leave();
        Ok(Token::Close)
    }

    /// Out of a collection, which is a form of the one around it.
    #[inline]
    fn leave(&mut self) {
        self.depth -= 1;
        self.level = match self.outer.pop() {
            Some(Level::SPECIAL) => self.special.pop().unwrap_or_default(),
            Some(bits) => Level::of_bits(bits),
            None => Level::default(),
        };
        self.complete();
    }

    /// What begins with `#`.
    fn dispatch(&mut self) -> Result<Option<Token<'de>>, DecodeError> {
        match self.byte(1) {
            Some(b'{') => self.open(2, Shape::Set, None).map(Some),
            Some(b'_') => {
                self.at += 2;
                self.level.discards += 1;
                Ok(None)
            }
            Some(b'#') => {
                let text = atom::extent(&self.text[self.at..]);
                let value = match text {
                    "##Inf" => f64::INFINITY,
                    "##-Inf" => f64::NEG_INFINITY,
                    "##NaN" => f64::NAN,
                    _ => return Err(self.error("an unknown symbolic value")),
                };
                self.scalar(text.len(), Token::Float(value)).map(Some)
            }
            Some(b':') => self.namespace_map().map(Some),
            _ => self.tag().map(Some),
        }
    }

    /// `#:ns{…}`.
    fn namespace_map(&mut self) -> Result<Token<'de>, DecodeError> {
        let name = atom::extent(&self.text[self.at + 2..]);
        if !atom::is_namespace(name) {
            return Err(self.error("a namespace map without a namespace"));
        }
        self.at += 2 + name.len();
        self.blank();
        if self.byte(0) != Some(b'{') {
            return Err(self.error("a namespace without its map"));
        }
        self.open(1, Shape::Map, Some(name))
    }

    /// `#tag`: of the tags we know, the value; of others, the tag alone.
    fn tag(&mut self) -> Result<Token<'de>, DecodeError> {
        let start = self.start;
        let name = atom::extent(&self.text[self.at + 1..]);
        if !atom::is_tag(name) {
            return Err(self.error("a tag without a name"));
        }
        self.deeper()?;
        self.level.owed += 1;
        self.at += 1 + name.len();
        let read = match name {
            "inst" => |text: &str| instant::parse(text).map(Token::Instant),
            "uuid" => |text: &str| ser::parse_uuid(text).map(Token::Uuid),
            "bytes" => |text: &str| base64::decode(text).map(|bytes| Token::Bytes(Cow::Owned(bytes))),
            _ => return Ok(Token::Tag(Cow::Borrowed(name))),
        };
        let token = match self.next()? {
            Token::String(text) => read(&text),
            _ => None,
        };
        self.start = start;
        token.ok_or_else(|| self.error("a tag whose value is not what the tag says"))
    }

    /// Gives a key of `#:ns{…}` its namespace; the namespace `_` means none.
    fn qualify(&self, token: Token<'de>) -> Token<'de> {
        let Some(namespace) = self.level.namespace else { return token };
        let is_key = self.level.forms.is_multiple_of(2) && self.level.owed == 0 && self.level.discards == 0;
        match token {
            Token::Keyword(name) if is_key => Token::Keyword(qualified(namespace, name, atom::is_keyword)),
            Token::Symbol(name) if is_key => Token::Symbol(qualified(namespace, name, atom::is_symbol)),
            other => other,
        }
    }

    /// Passes over forms until only `pending` of this level's discards are left.
    fn discard(&mut self, pending: usize) -> Result<(), DecodeError> {
        let base = self.outer.len();
        // A tag before a discard waits for the form after it: `#tag #_ no yes`.
        let owed = std::mem::take(&mut self.level.owed);
        while self.outer.len() > base || self.level.discards > pending {
            self.raw()?;
        }
        self.level.owed = owed;
        Ok(())
    }
}

fn qualified<'de>(namespace: &str, name: Cow<'de, str>, is_valid: fn(&str) -> bool) -> Cow<'de, str> {
    match name.split_once('/') {
        // What is no name without its namespace keeps it: `_/1` is a symbol, `1` is not.
        Some(("_", bare)) if is_valid(bare) => Cow::Owned(bare.to_owned()),
        Some(_) => name,
        None => Cow::Owned(format!("{namespace}/{name}")),
    }
}

impl<'de> Source<'de> for Lexer<'de> {
    const WIDENS: bool = false;

    fn next(&mut self) -> Result<Token<'de>, DecodeError> {
        loop {
            let pending = self.level.discards;
            match self.raw()? {
                Some(token) => return Ok(token),
                None => self.discard(pending)?,
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
