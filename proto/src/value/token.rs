//! What every reader is made of: a form as a run of tokens. Text and values are both sources of them, so that one
//! deserializer and one builder of values serve every codec.

#![cfg_attr(
    not(any(feature = "edn", feature = "json", feature = "msgpack", feature = "transit")),
    allow(dead_code, reason = "only codecs have positions")
)]

use super::shortcuts::{Marked, Name, Number, Shortcuts, Word};
use crate::codec::DecodeError;
use std::borrow::Cow;

/// A piece of a form. The reader that made it has checked it, and that the pieces fit together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token<'de> {
    Nil,
    Boolean(bool),
    Integer(i64),
    BigInteger(Cow<'de, str>),
    Float(f64),
    Decimal(Cow<'de, str>),
    Ratio(Cow<'de, str>),
    Character(char),
    String(Cow<'de, str>),
    Keyword(Cow<'de, str>),
    Symbol(Cow<'de, str>),
    Instant(i64),
    Uuid([u8; 16]),
    Bytes(Cow<'de, [u8]>),
    /// A tag; the form it belongs to follows.
    Tag(Cow<'de, str>),
    Open(Shape),
    Close,
    /// There is no further form.
    End,
}

/// What a collection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    List,
    Vector,
    Map,
    Set,
}

/// A run of tokens. A collection is opened and closed; a map's tokens are keys and values in turn.
pub(crate) trait Source<'de>: Clone + Shortcuts<'de> {
    /// Whether text stands for what the format lacks, as in JSON: integers beyond 2^53 and bytes.
    const WIDENS: bool;

    /// The next token.
    fn next(&mut self) -> Result<Token<'de>, DecodeError>;

    /// Where the last token began, in bytes; 0 when there are no bytes.
    fn start(&self) -> usize;

    /// Where the last token ended.
    fn end(&self) -> usize;
}

/// What is known of the next member of a collection.
pub(crate) enum Member<'de> {
    /// There is none, and the collection was left.
    End,
    /// It is not read yet.
    Ahead,
    /// It begins with this token, which was read.
    Token(Token<'de>),
}

/// A source with one token of foresight.
#[derive(Clone)]
pub(crate) struct Tokens<'de, S> {
    source: S,
    seen: Option<Token<'de>>,
}

impl<'de, S: Source<'de>> Tokens<'de, S> {
    pub(crate) fn new(source: S) -> Self {
        Self { source, seen: None }
    }

    #[inline]
    pub(crate) fn next(&mut self) -> Result<Token<'de>, DecodeError> {
        match self.seen.take() {
            Some(token) => Ok(token),
            None => self.source.next(),
        }
    }

    #[inline]
    pub(crate) fn peek(&mut self) -> Result<&Token<'de>, DecodeError> {
        let token = self.next()?;
        Ok(self.seen.insert(token))
    }

    /// What a short way gives, where no token was seen already.
    #[inline]
    fn short<T>(&mut self, way: impl FnOnce(&mut S) -> Option<T>) -> Option<T> {
        if self.seen.is_none() { way(&mut self.source) } else { None }
    }

    /// The start of a collection, if the short way knows it.
    #[inline]
    pub(crate) fn opens(&mut self) -> Option<Shape> {
        self.short(S::opens)
    }

    /// The start of a collection; of anything else, a token was read.
    pub(crate) fn open(&mut self) -> Result<Option<Shape>, DecodeError> {
        if let Some(shape) = self.opens() {
            return Ok(Some(shape));
        }
        match self.next()? {
            Token::Open(shape) => Ok(Some(shape)),
            _ => Ok(None),
        }
    }

    /// Text, if the short way knows it.
    #[inline]
    pub(crate) fn name(&mut self) -> Option<Name<'de>> {
        self.short(S::name)
    }

    /// The next token, which most likely is a name.
    #[inline]
    pub(crate) fn next_name(&mut self) -> Result<Token<'de>, DecodeError> {
        match self.name() {
            Some(Name::String(text)) => Ok(Token::String(Cow::Borrowed(text))),
            Some(Name::Keyword(text)) => Ok(Token::Keyword(Cow::Borrowed(text))),
            None => self.next(),
        }
    }

    /// A number, if the short way knows it.
    #[inline]
    pub(crate) fn number(&mut self) -> Option<Number> {
        self.short(S::number)
    }

    /// Nil, true or false, if the short way knows it.
    #[inline]
    pub(crate) fn word(&mut self) -> Option<Word> {
        self.short(S::word)
    }

    /// Passes over members as long as the short way knows them, and how many.
    #[inline]
    pub(crate) fn passes(&mut self, names: &mut Vec<Marked<'de>>) -> usize {
        if self.seen.is_none() { self.source.passes(names) } else { 0 }
    }

    /// Whether nil is next, which only then is passed over.
    #[inline]
    pub(crate) fn nil(&mut self) -> Result<bool, DecodeError> {
        match self.short(S::nil) {
            Some(is_nil) => Ok(is_nil),
            None => self.takes(|token| matches!(token, Token::Nil)),
        }
    }

    /// Whether the innermost collection ends here, whose end only then is passed over.
    #[inline]
    pub(crate) fn closes(&mut self) -> Result<bool, DecodeError> {
        match self.short(S::closes) {
            Some(closes) => Ok(closes),
            None => self.takes(|token| matches!(token, Token::Close)),
        }
    }

    /// The next member of the innermost collection.
    #[inline]
    pub(crate) fn member(&mut self) -> Result<Member<'de>, DecodeError> {
        match self.short(S::closes) {
            Some(true) => Ok(Member::End),
            Some(false) => Ok(Member::Ahead),
            None => match self.next()? {
                Token::Close => Ok(Member::End),
                token => Ok(Member::Token(token)),
            },
        }
    }

    #[inline(never)]
    fn takes(&mut self, is_meant: impl Fn(&Token<'_>) -> bool) -> Result<bool, DecodeError> {
        let is_next = is_meant(self.peek()?);
        if is_next {
            self.seen = None;
        }
        Ok(is_next)
    }

    /// Where the next form begins.
    #[inline]
    pub(crate) fn begins(&mut self) -> Result<usize, DecodeError> {
        if let (None, Some(at)) = (&self.seen, self.source.begins()) {
            return Ok(at);
        }
        self.peek()?;
        Ok(self.source.start())
    }

    /// Where the token that was read or seen last began.
    #[inline]
    pub(crate) fn start(&self) -> usize {
        self.source.start()
    }

    /// Where it ended.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.source.end()
    }

    /// A mistake of the sender at the last token.
    pub(crate) fn syntax(&self, what: &'static str) -> DecodeError {
        DecodeError::Syntax { what, at: self.source.start() }
    }
}
