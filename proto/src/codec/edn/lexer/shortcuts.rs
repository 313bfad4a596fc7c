//! What most of a text is, without tokens. Comments, tags, metadata, what is passed over, and maps of a namespace are none
//! of it.

use super::Lexer;
use crate::codec::edn::atom::{ends_atom, is_blank, is_in_names};
use crate::codec::plain;
use crate::codec::scan::quote_or_backslash;
use crate::value::shortcuts::{Marked, Name, Number, Shortcuts, Word};
use crate::value::token::Shape;

impl<'de> Lexer<'de> {
    /// Where the next form begins and with which byte, if no other form is in between.
    #[inline]
    fn lead(&self) -> Option<(usize, u8)> {
        if self.level.owed > 0 || self.level.discards > 0 {
            return None;
        }
        let mut at = self.at;
        loop {
            let byte = *self.text.as_bytes().get(at)?;
            if !is_blank(byte) {
                return Some((at, byte));
            }
            at += 1;
        }
    }

    /// A form of this level ends at `end`; nothing waited for it.
    #[inline]
    fn ends(&mut self, end: usize) {
        self.at = end;
        self.level.forms += 1;
    }

    /// The text of the string that begins at `at`, if nothing in it is escaped.
    #[inline]
    fn string(&self, at: usize) -> Option<&'de str> {
        let rest = self.text.get(at + 1..)?;
        let end = quote_or_backslash(rest.as_bytes())?;
        if rest.as_bytes()[end] == b'"' { rest.get(..end) } else { None }
    }

    /// The keyword whose colon is at `at`, with a namespace or without.
    #[inline]
    fn keyword(&self, at: usize) -> Option<&'de str> {
        let mut end = self.part_of_name(at + 1)?;
        if self.text.as_bytes().get(end) == Some(&b'/') {
            end = self.part_of_name(end + 1)?;
        }
        if self.is_end(end) && self.level.namespace.is_none() { self.text.get(at + 1..end) } else { None }
    }

    /// Where what a name may hold ends, if there is any.
    #[inline]
    fn part_of_name(&self, start: usize) -> Option<usize> {
        let mut end = start;
        while self.text.as_bytes().get(end).is_some_and(|byte| is_in_names(*byte)) {
            end += 1;
        }
        (end > start).then_some(end)
    }

    /// Whether an atom that reaches to `at` ends there.
    #[inline]
    fn is_end(&self, at: usize) -> bool {
        self.text.as_bytes().get(at).is_none_or(|byte| ends_atom(*byte))
    }

    /// Where a member ends that is neither a collection nor anything rare.
    #[inline]
    fn member(&self, names: &mut Vec<Marked<'de>>) -> Option<usize> {
        let (at, byte) = self.lead()?;
        let (name, end) = match byte {
            b'"' => {
                let text = self.string(at)?;
                (Name::String(text), at + text.len() + 2)
            }
            b':' => {
                let name = self.keyword(at)?;
                (Name::Keyword(name), at + 1 + name.len())
            }
            _ if self.level.is_key() => return None,
            b'-' | b'0'..=b'9' => return self.number_at(at).map(|(_, end)| end),
            b'n' | b't' | b'f' => return self.word_at(at).map(|(_, end)| end),
            _ => return None,
        };
        if self.level.is_key() {
            Marked::push(name, names);
        }
        Some(end)
    }

    #[inline]
    fn number_at(&self, at: usize) -> Option<(Number, usize)> {
        plain::number(self.text.as_bytes(), at).filter(|(_, end)| self.is_end(*end))
    }

    fn word_at(&self, at: usize) -> Option<(Word, usize)> {
        let (word, length) = match self.text.as_bytes().get(at..)? {
            [b'n', b'i', b'l', ..] => (Word::Nil, 3),
            [b't', b'r', b'u', b'e', ..] => (Word::Boolean(true), 4),
            [b'f', b'a', b'l', b's', b'e', ..] => (Word::Boolean(false), 5),
            _ => return None,
        };
        self.is_end(at + length).then_some((word, at + length))
    }
}

impl<'de> Shortcuts<'de> for Lexer<'de> {
    #[inline]
    fn closes(&mut self) -> Option<bool> {
        let (at, byte) = self.lead()?;
        match byte {
            b']' | b')' | b'}' => {}
            b'#' | b'^' | b';' => return None,
            _ => return Some(false),
        }
        if !self.level.closes_with(byte) {
            return None;
        }
        self.start = at;
        self.at = at + 1;
        self.leave();
        Some(true)
    }

    #[inline]
    fn begins(&self) -> Option<usize> {
        let (at, byte) = self.lead()?;
        (!matches!(byte, b'#' | b'^' | b';')).then_some(at)
    }

    #[inline]
    fn opens(&mut self) -> Option<Shape> {
        let (at, byte) = self.lead()?;
        let shape = match byte {
            b'[' => Shape::Vector,
            b'{' => Shape::Map,
            b'(' => Shape::List,
            _ => return None,
        };
        if self.depth >= self.max_depth {
            return None;
        }
        self.at = at + 1;
        self.enter(shape, None);
        Some(shape)
    }

    #[inline]
    fn name(&mut self) -> Option<Name<'de>> {
        let (at, byte) = self.lead()?;
        match byte {
            b'"' => {
                let text = self.string(at)?;
                self.ends(at + text.len() + 2);
                Some(Name::String(text))
            }
            b':' => {
                let name = self.keyword(at)?;
                self.ends(at + 1 + name.len());
                Some(Name::Keyword(name))
            }
            _ => None,
        }
    }

    #[inline]
    fn number(&mut self) -> Option<Number> {
        let (at, _) = self.lead()?;
        let (number, end) = self.number_at(at)?;
        self.ends(end);
        Some(number)
    }

    #[inline]
    fn word(&mut self) -> Option<Word> {
        let (at, _) = self.lead()?;
        let (word, end) = self.word_at(at)?;
        self.ends(end);
        Some(word)
    }

    #[inline]
    fn nil(&mut self) -> Option<bool> {
        match self.lead()? {
            (_, b'n') => self.word().map(|word| word == Word::Nil),
            (_, b'#' | b'^' | b';') => None,
            _ => Some(false),
        }
    }

    fn passes(&mut self, names: &mut Vec<Marked<'de>>) -> usize {
        let mut count = 0;
        while let Some(end) = self.member(names) {
            self.ends(end);
            count += 1;
        }
        count
    }
}
