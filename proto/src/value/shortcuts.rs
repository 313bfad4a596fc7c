//! The short ways past [`Token`](super::token::Token): most of what is read is text, small numbers and brackets, and making
//! a token of each costs more than reading it.

#![cfg_attr(not(feature = "edn"), allow(dead_code, reason = "JSON has fewer short ways, other codecs none"))]

use super::token::Shape;

/// Text as nearly all is: as it stands in the message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Name<'de> {
    String(&'de str),
    Keyword(&'de str),
}

impl<'de> Name<'de> {
    #[inline]
    pub(crate) const fn text(self) -> &'de str {
        match self {
            Self::String(text) | Self::Keyword(text) => text,
        }
    }
}

/// A name beside a mark, by which most that differ are told apart without looking at them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Marked<'de> {
    pub(crate) mark: u32,
    pub(crate) name: Name<'de>,
}

impl<'de> Marked<'de> {
    /// Names that are open at once in most messages.
    const USUAL: usize = 16;

    #[inline]
    pub(crate) fn push(name: Name<'de>, names: &mut Vec<Self>) {
        if names.is_empty() {
            names.reserve(Self::USUAL);
        }
        names.push(Self { mark: Self::mark(name.text().as_bytes()), name });
    }

    #[inline]
    fn mark(text: &[u8]) -> u32 {
        let head = match text.first_chunk() {
            Some(head) => u32::from_le_bytes(*head),
            None => text.first().map_or(0, |byte| u32::from(*byte)),
        };
        let last = text.last().map_or(0, |byte| u32::from(*byte));
        head ^ last << 24 ^ (text.len() as u32) << 16
    }
}

/// A number of few digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    Float(f64),
}

/// A word that stands for a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Word {
    Nil,
    Boolean(bool),
}

/// Each of these reads what the next token is, if it is plainly that. Otherwise it says `None` or `false`, nothing was read,
/// and the token decides, so that a source without short ways is right as well: it needs to know only the whole grammar,
/// and they only what is in every message.
pub(crate) trait Shortcuts<'de> {
    /// Whether the innermost collection ends here, in which case it was left.
    #[inline]
    fn closes(&mut self) -> Option<bool> {
        None
    }

    /// Where the next form begins, in bytes. It is not read.
    #[inline]
    fn begins(&self) -> Option<usize> {
        None
    }

    /// The start of a collection.
    #[inline]
    fn opens(&mut self) -> Option<Shape> {
        None
    }

    /// A string or keyword.
    #[inline]
    fn name(&mut self) -> Option<Name<'de>> {
        None
    }

    /// A number.
    #[inline]
    fn number(&mut self) -> Option<Number> {
        None
    }

    /// Nil, true or false.
    #[inline]
    fn word(&mut self) -> Option<Word> {
        None
    }

    /// Whether nil is next, which only then was read.
    #[inline]
    fn nil(&mut self) -> Option<bool> {
        None
    }

    /// Passes over members of the innermost collection as long as they are any of these but collections, and how many
    /// that were. Keys and elements of sets are told to `names`.
    #[inline]
    fn passes(&mut self, _names: &mut Vec<Marked<'de>>) -> usize {
        0
    }
}
