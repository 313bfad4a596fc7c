//! Codes for what comes again in a message (transit-format, "Caching").

use crate::codec::DecodeError;
use crate::codec::cache::Expansion;
use std::borrow::Cow;
use std::collections::HashMap;

/// How many codes of two characters there are. When all are taken, both ends begin again with none.
const CODES: usize = BASE * BASE;
const BASE: usize = 44;
const FIRST: u8 = b'0';

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// As a map's key.
    Key,
    /// Anywhere else.
    Value,
}

/// Whether a text comes as a code when it comes again: keys, keywords, symbols and tags of at least four UTF-16 units.
fn is_cacheable(text: &str, place: Place) -> bool {
    let named = place == Place::Key || matches!(text.as_bytes(), [b'~', b':' | b'$' | b'#', ..]);
    // A unit of UTF-16 takes three bytes at most.
    named && text.len() >= 4 && (text.len() >= 12 || text.encode_utf16().take(4).count() == 4)
}

/// What was written so far.
#[derive(Debug, Default)]
pub(super) struct Written(HashMap<String, usize>);

impl Written {
    /// Which code to write instead. A text that is new has none, but will the next time.
    pub(super) fn index(&mut self, text: &str, place: Place) -> Option<usize> {
        if !is_cacheable(text, place) {
            return None;
        }
        let known = self.0.get(text).copied();
        if known.is_none() {
            if self.0.len() == CODES {
                self.0.clear();
            }
            self.0.insert(text.to_owned(), self.0.len());
        }
        known
    }
}

/// Writes a code in quotes. No character of it needs an escape.
pub(super) fn push_code(index: usize, out: &mut String) {
    // Both digits are below 44, so that they are ASCII.
    let digit = |digit: usize| char::from(FIRST + digit as u8);
    out.push_str("\"^");
    if index >= BASE {
        out.push(digit(index / BASE));
    }
    out.push(digit(index % BASE));
    out.push('"');
}

/// The code's index; `None` when it is none.
fn index(code: &str) -> Option<usize> {
    let digit = |byte: u8| Some(usize::from(byte.checked_sub(FIRST)?)).filter(|digit| *digit < BASE);
    match code.as_bytes() {
        [b'^', one] => digit(*one),
        [b'^', high, low] => Some(digit(*high)? * BASE + digit(*low)?),
        _ => None,
    }
}

/// What was read so far.
#[derive(Clone, Debug)]
pub(super) struct Seen<'de> {
    texts: Vec<Cow<'de, str>>,
    expansion: Expansion,
}

/// What begins an array that is a map.
pub(super) const MAP: &str = "^ ";

impl<'de> Seen<'de> {
    pub(super) fn new(message: usize) -> Self {
        Self { texts: Vec::new(), expansion: Expansion::of(message) }
    }

    /// A further message begins.
    pub(super) fn clear(&mut self) {
        self.texts.clear();
    }

    /// What a text of the message stands for; `Ok(None)` when it is a code that stands for nothing.
    pub(super) fn resolve(&mut self, text: Cow<'de, str>, place: Place) -> Result<Option<Cow<'de, str>>, DecodeError> {
        if text.starts_with('^') && text != MAP {
            let Some(known) = index(&text).and_then(|index| self.texts.get(index)) else { return Ok(None) };
            self.expansion.spend(known.len())?;
            return Ok(Some(known.clone()));
        }
        if is_cacheable(&text, place) {
            if self.texts.len() == CODES {
                self.texts.clear();
            }
            self.texts.push(text.clone());
        }
        Ok(Some(text))
    }
}
