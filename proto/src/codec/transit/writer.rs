//! Values to text.

use super::Style;
use super::cache::{MAP, Place, Seen, Written, push_code};
use super::scalar;
use crate::codec::json_text::{self, SAFE, write_string};
use crate::codec::{DecodeError, EncodeError, number};
use crate::value::token::{Source, Token};
use crate::value::{Value, base64, instant, ser};
use bytes::Bytes;
use std::fmt::Write as _;

fn error(what: impl Into<String>) -> EncodeError {
    EncodeError { codec: "transit", what: what.into() }
}

/// What was written, and what of it may come again as a code.
pub(super) struct Writer {
    pub(super) out: String,
    style: Style,
    written: Written,
    /// The text that is written next, before it is escaped or becomes a code.
    text: String,
}

impl Writer {
    pub(super) fn new(style: Style) -> Self {
        Self { out: String::with_capacity(128), style, written: Written::default(), text: String::new() }
    }

    /// Writes `value` by itself: what is neither array nor object is quoted.
    pub(super) fn top(&mut self, value: &Value, depth: usize) -> Result<(), EncodeError> {
        if !is_text(value) {
            return self.value(value, depth);
        }
        let close = self.tag("'");
        self.value(value, deeper(depth)?)?;
        self.out.push(close);
        Ok(())
    }

    /// Writes `value`, with at most `depth` levels of arrays and objects.
    pub(super) fn value(&mut self, value: &Value, depth: usize) -> Result<(), EncodeError> {
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Boolean(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Integer(value) if value.unsigned_abs() <= SAFE => _ = write!(self.out, "{value}"),
            Value::Float(value) if value.is_finite() => number::float(*value, &mut self.out),
            Value::Vector(elements) => self.elements(elements.iter(), depth)?,
            Value::List(elements) => self.tagged_array("list", elements.iter(), depth)?,
            Value::Set(elements) => self.tagged_array("set", elements.iter(), depth)?,
            Value::Map(entries) => self.map(entries, depth)?,
            Value::Ratio(text) => self.ratio(text, depth)?,
            Value::String(text) if !text.starts_with(ESCAPED) => write_string(text, &mut self.out),
            Value::Tagged(tag, inner) if !is_text(value) => self.tagged(tag, inner, depth)?,
            scalar => self.scalar(scalar, Place::Value)?,
        }
        Ok(())
    }

    pub(super) fn keyword(&mut self, name: &str) {
        self.prefixed("~:", name);
        self.text(Place::Value);
    }

    /// Writes a value that is one text, as a key or where JSON has nothing else for it.
    fn scalar(&mut self, value: &Value, place: Place) -> Result<(), EncodeError> {
        match value {
            Value::Nil => self.prefixed("~_", ""),
            Value::Boolean(value) => self.prefixed("~?", if *value { "t" } else { "f" }),
            Value::Integer(value) => self.prefixed("~i", &value.to_string()),
            Value::BigInteger(text) => {
                self.prefixed("~n", checked(text, number::is_integer)?.trim_start_matches('+'));
            }
            Value::Float(value) if value.is_nan() => self.prefixed("~zNaN", ""),
            Value::Float(value) if value.is_infinite() => {
                self.prefixed(if *value > 0.0 { "~zINF" } else { "~z-INF" }, "")
            }
            Value::Float(value) => {
                self.prefixed("~d", "");
                number::float(*value, &mut self.text);
            }
            Value::Decimal(text) => self.prefixed("~f", checked(text, number::is_decimal)?),
            Value::Character(value) => self.prefixed("~c", value.encode_utf8(&mut [0; 4])),
            Value::String(text) => self.prefixed(if text.starts_with(ESCAPED) { "~" } else { "" }, text),
            Value::Keyword(name) => self.prefixed("~:", name),
            Value::Symbol(name) => self.prefixed("~$", name),
            Value::Instant(millis) if self.style == Style::Verbose && instant::is_writable(*millis) => {
                self.prefixed("~t", &instant::text(*millis));
            }
            Value::Instant(millis) => self.prefixed("~m", &millis.to_string()),
            Value::Uuid(bytes) => self.prefixed("~u", &ser::uuid_text(bytes)),
            Value::Bytes(bytes) => self.prefixed("~b", &base64::encode(bytes)),
            Value::Tagged(letter, inner) => {
                self.prefixed("~", letter);
                self.text.push_str(inner.as_text().unwrap_or_default());
            }
            Value::Ratio(_) | Value::List(_) | Value::Vector(_) | Value::Set(_) | Value::Map(_) => {
                return Err(error("this value as text"));
            }
        }
        self.text(place);
        Ok(())
    }

    fn prefixed(&mut self, prefix: &str, text: &str) {
        self.text.clear();
        self.text.push_str(prefix);
        self.text.push_str(text);
    }

    /// Writes what was prepared, or its code.
    fn text(&mut self, place: Place) {
        let known = match self.style {
            Style::Json => self.written.index(&self.text, place),
            Style::Verbose => None,
        };
        match known {
            Some(index) => push_code(index, &mut self.out),
            None => write_string(&self.text, &mut self.out),
        }
    }

    /// Begins a tagged value, and returns what ends it.
    fn tag(&mut self, tag: &str) -> char {
        let (open, between, close) = match self.style {
            Style::Json => ('[', ',', ']'),
            Style::Verbose => ('{', ':', '}'),
        };
        self.out.push(open);
        self.prefixed("~#", tag);
        self.text(Place::Value);
        self.out.push(between);
        close
    }

    fn elements<'v>(&mut self, elements: impl Iterator<Item = &'v Value>, depth: usize) -> Result<(), EncodeError> {
        let depth = deeper(depth)?;
        self.out.push('[');
        for (index, element) in elements.enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.value(element, depth)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn tagged_array<'v>(
        &mut self,
        tag: &str,
        elements: impl Iterator<Item = &'v Value>,
        depth: usize,
    ) -> Result<(), EncodeError> {
        let close = self.tag(tag);
        self.elements(elements, deeper(depth)?)?;
        self.out.push(close);
        Ok(())
    }

    fn map(&mut self, entries: &[(Value, Value)], depth: usize) -> Result<(), EncodeError> {
        if !entries.iter().all(|(key, _)| is_text(key)) {
            let flat = entries.iter().flat_map(|(key, value)| [key, value]);
            return self.tagged_array("cmap", flat, depth);
        }
        let depth = deeper(depth)?;
        let (open, between, close) = match self.style {
            Style::Json => ("[\"^ \"", ',', ']'),
            Style::Verbose => ("{", ':', '}'),
        };
        self.out.push_str(open);
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 || self.style == Style::Json {
                self.out.push(',');
            }
            self.scalar(key, Place::Key)?;
            self.out.push(between);
            self.value(value, depth)?;
        }
        self.out.push(close);
        Ok(())
    }

    fn ratio(&mut self, text: &str, depth: usize) -> Result<(), EncodeError> {
        deeper(deeper(depth)?)?;
        let (numerator, denominator) = checked(text, number::is_ratio)?.split_once('/').unwrap_or((text, "1"));
        let close = self.tag("ratio");
        self.out.push_str(&format!("[\"~n{}\",\"~n{denominator}\"]{close}", numerator.trim_start_matches('+')));
        Ok(())
    }

    /// A tag that nobody here knows.
    fn tagged(&mut self, tag: &str, value: &Value, depth: usize) -> Result<(), EncodeError> {
        if scalar::is_reserved(tag) {
            // It would be read as what it is not.
            return Err(error(format!("the tag #{tag}")));
        }
        let close = self.tag(tag);
        self.value(value, deeper(depth)?)?;
        self.out.push(close);
        Ok(())
    }
}

fn checked(text: &str, valid: fn(&str) -> bool) -> Result<&str, EncodeError> {
    if valid(text) { Ok(text) } else { Err(error(format!("the number {text:?}"))) }
}

/// What text must not begin with.
const ESCAPED: [char; 3] = ['~', '^', '`'];

/// Whether one text can stand for a value, as a key must.
fn is_text(value: &Value) -> bool {
    match value {
        Value::Ratio(_) | Value::List(_) | Value::Vector(_) | Value::Set(_) | Value::Map(_) => false,
        Value::Tagged(tag, inner) => matches!(**inner, Value::String(_)) && scalar::is_letter(tag),
        _ => true,
    }
}

fn deeper(depth: usize) -> Result<usize, EncodeError> {
    depth.checked_sub(1).ok_or_else(|| error("values nested so deeply"))
}

/// `[[event …],null]`. Events were written each with codes of its own; one is copied as it stands, since no name comes
/// before it in the message.
pub(super) fn join(events: &[Bytes], style: Style) -> Result<String, DecodeError> {
    let mut out = String::with_capacity(8 + events.iter().map(|event| event.len() + 1).sum::<usize>());
    let mut written = Written::default();
    out.push_str("[[");
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let event = std::str::from_utf8(event)
            .map_err(|error| DecodeError::Syntax { what: "not UTF-8", at: error.valid_up_to() })?;
        if style == Style::Verbose || events.len() == 1 {
            out.push_str(event);
        } else {
            recode(event, &mut written, &mut out)?;
        }
    }
    out.push_str("],null]");
    Ok(out)
}

/// Copies an event, with the codes of the whole message instead of its own.
fn recode(event: &str, written: &mut Written, out: &mut String) -> Result<(), DecodeError> {
    let mut json = json_text::Lexer::new(event, usize::MAX);
    let mut seen = Seen::new(event.len());
    // For each open array whether it is a map, and how many elements came, the mark of a map among them.
    let mut open: Vec<(bool, usize)> = Vec::new();
    let mut copied = 0;
    loop {
        match json.next()? {
            Token::End => break,
            Token::Open(_) => {
                open.push((false, 0));
                continue;
            }
            Token::Close => _ = open.pop(),
            Token::String(text) => {
                let (is_map, items) = open.last().copied().unwrap_or_default();
                let place = if is_map && items % 2 == 1 { Place::Key } else { Place::Value };
                let text = seen.resolve(text, place)?.ok_or(DecodeError::Envelope)?;
                if let (MAP, 0, Some(level)) = (&*text, items, open.last_mut()) {
                    level.0 = true;
                } else {
                    out.push_str(&event[copied..json.start()]);
                    match written.index(&text, place) {
                        Some(index) => push_code(index, out),
                        None => write_string(&text, out),
                    }
                    copied = json.end();
                }
            }
            _ => {}
        }
        if let Some(level) = open.last_mut() {
            level.1 += 1;
        }
    }
    out.push_str(&event[copied..]);
    Ok(())
}
