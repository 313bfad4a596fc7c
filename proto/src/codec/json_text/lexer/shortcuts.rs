//! What most of a text is, without tokens.

use super::{Lexer, Place, is_blank, word};
use crate::codec::plain;
use crate::codec::scan::quote_backslash_or_control;
use crate::value::shortcuts::{Marked, Name, Number, Shortcuts, Word};
use crate::value::token::Shape;

impl<'de> Lexer<'de> {
    /// The first byte at or after `at` that is not blank, and where it is.
    #[inline]
    fn solid(&self, mut at: usize) -> Option<(usize, u8)> {
        loop {
            let byte = *self.text.as_bytes().get(at)?;
            if !is_blank(byte) {
                return Some((at, byte));
            }
            at += 1;
        }
    }

    /// Where the next item begins and with which byte, after the separator that must come before it.
    #[inline]
    fn lead(&self) -> Option<(usize, u8)> {
        let (at, byte) = self.solid(self.at)?;
        match self.place.separator() {
            None => Some((at, byte)),
            Some(expected) if byte == expected => self.solid(at + 1),
            Some(_) => None,
        }
    }

    /// An item of this level ends at `end`.
    #[inline]
    fn ends(&mut self, end: usize) {
        self.at = end;
        self.place = self.place.after();
    }

    /// The text of the string that begins at `at`, if nothing in it is escaped.
    #[inline]
    fn string(&self, at: usize) -> Option<&'de str> {
        let rest = self.text.get(at + 1..)?;
        let end = quote_backslash_or_control(rest.as_bytes())?;
        if rest.as_bytes()[end] == b'"' { rest.get(..end) } else { None }
    }

    /// Where a member ends that is neither a collection nor anything rare.
    #[inline]
    fn member(&self, names: &mut Vec<Marked<'de>>) -> Option<usize> {
        let (at, byte) = self.lead()?;
        match byte {
            b'"' => {
                let text = self.string(at)?;
                if self.place.is_key() {
                    Marked::push(Name::String(text), names);
                }
                Some(at + text.len() + 2)
            }
            b'-' | b'0'..=b'9' => self.number_at(at).map(|(_, end)| end),
            b'[' | b'{' => None,
            _ => self.word_at(at).map(|(_, end)| end),
        }
    }

    #[inline]
    fn number_at(&self, at: usize) -> Option<(Number, usize)> {
        let bytes = self.text.as_bytes();
        let (number, end) = plain::number(bytes, at)?;
        let ends = !matches!(bytes.get(end), Some(b'.' | b'e' | b'E'));
        (ends && !self.place.is_key()).then_some((number, end))
    }

    fn word_at(&self, at: usize) -> Option<(Word, usize)> {
        let (word, length) = word(self.text.as_bytes().get(at..)?)?;
        (!self.place.is_key()).then_some((word, at + length))
    }
}

impl<'de> Shortcuts<'de> for Lexer<'de> {
    #[inline]
    fn closes(&mut self) -> Option<bool> {
        let (at, byte) = self.solid(self.at)?;
        if byte != b']' && byte != b'}' {
            return Some(false);
        }
        if !self.place.closes_with(byte) {
            return None;
        }
        self.start = at;
        self.at = at + 1;
        self.leave();
        Some(true)
    }

    #[inline]
    fn begins(&self) -> Option<usize> {
        self.lead().map(|(at, _)| at)
    }

    #[inline]
    fn opens(&mut self) -> Option<Shape> {
        let (at, byte) = self.lead()?;
        let (shape, place) = match byte {
            b'[' => (Shape::Vector, Place::FirstElement),
            b'{' => (Shape::Map, Place::FirstKey),
            _ => return None,
        };
        if self.place.is_key() || self.outer.len() >= self.max_depth {
            return None;
        }
        self.at = at + 1;
        self.enter(place);
        Some(shape)
    }

    #[inline]
    fn name(&mut self) -> Option<Name<'de>> {
        let (at, byte) = self.lead()?;
        if byte != b'"' {
            return None;
        }
        let text = self.string(at)?;
        self.ends(at + text.len() + 2);
        Some(Name::String(text))
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
