//! Text to tokens. What is nested is counted here, without recursion, so that no input can exhaust the stack.

use super::{atom, string};
use crate::codec::DecodeError;
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
    outer: Vec<Level<'de>>,
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

impl<'de> Lexer<'de> {
    pub(crate) fn new(text: &'de str, max_depth: usize) -> Self {
        Self { text, at: 0, start: 0, level: Level::default(), outer: Vec::new(), depth: 0, max_depth }
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
        let complete = self.outer.is_empty() && self.level.owed == 0 && self.level.discards == 0;
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
        self.deeper()?;
        self.at += length;
        let level = Level { shape: Some(shape), namespace, ..Level::default() };
        self.outer.push(std::mem::replace(&mut self.level, level));
        Ok(Token::Open(shape))
    }

    fn close(&mut self, byte: u8) -> Result<Token<'de>, DecodeError> {
        let fits = match self.level.shape {
            Some(Shape::Vector) => byte == b']',
            Some(Shape::List) => byte == b')',
            Some(Shape::Map | Shape::Set) => byte == b'}',
            None => false,
        };
        if !fits {
            return Err(self.error("a bracket that closes nothing"));
        }
        if self.level.owed > 0 || self.level.discards > 0 {
            return Err(self.error("a form is missing before the bracket"));
        }
        if self.level.shape == Some(Shape::Map) && self.level.forms % 2 == 1 {
            return Err(self.error("a key without a value"));
        }
        self.at += 1;
        self.depth -= 1;
        self.level = self.outer.pop().unwrap_or_default();
        self.complete();
        Ok(Token::Close)
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
