//! Values to text.

use super::Style;
use super::cache::{MAP, Place, Seen, Written};
use super::scalar;
use crate::codec::json_text::{self, SAFE, write_string};
use crate::codec::{DecodeError, EncodeError, number};
use crate::value::token::{Source, Token};
use crate::value::{Value, base64, instant, ser};
use bytes::Bytes;
use std::borrow::Cow;

fn error(what: impl Into<String>) -> EncodeError {
    EncodeError { codec: "transit", what: what.into() }
}

/// What was written, and what of it may come again as a code.
pub(super) struct Writer {
    pub(super) out: String,
    style: Style,
    written: Written,
}

impl Writer {
    pub(super) fn new(style: Style) -> Self {
        Self { out: String::with_capacity(128), style, written: Written::default() }
    }

    /// Writes `value` by itself: what is neither array nor object is quoted.
    pub(super) fn top(&mut self, value: &Value, depth: usize) -> Result<(), EncodeError> {
        let is_plain = match value {
            Value::Tagged(tag, inner) => matches!(**inner, Value::String(_)) && scalar::is_letter(tag),
            Value::List(_) | Value::Vector(_) | Value::Set(_) | Value::Map(_) | Value::Ratio(_) => false,
            _ => true,
        };
        if !is_plain {
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
            Value::Integer(value) if value.unsigned_abs() <= SAFE => self.out.push_str(&value.to_string()),
            Value::Float(value) if value.is_finite() => number::float(*value, &mut self.out),
            Value::Vector(elements) => self.array(elements, depth)?,
            Value::List(elements) => self.tagged_array("list", elements.iter(), depth)?,
            Value::Set(elements) => self.tagged_array("set", elements.iter(), depth)?,
            Value::Map(entries) => self.map(entries, depth)?,
            Value::Ratio(text) => self.ratio(text, depth)?,
            other => match self.text_of(other)? {
                Some(text) => self.text(&text, Place::Value),
                None => self.tagged(other, depth)?,
            },
        }
        Ok(())
    }

    pub(super) fn keyword(&mut self, name: &str) {
        self.text(&format!("~:{name}"), Place::Value);
    }

    /// The text that stands for a value, be it a key or not. `None` when there is none.
    fn text_of<'v>(&self, value: &'v Value) -> Result<Option<Cow<'v, str>>, EncodeError> {
        let text = match value {
            Value::Nil => "~_".into(),
            Value::Boolean(value) => if *value { "~?t" } else { "~?f" }.into(),
            Value::Integer(value) => format!("~i{value}"),
            Value::BigInteger(text) => {
                format!("~n{}", checked(text, number::is_integer)?.trim_start_matches('+'))
            }
            Value::Float(value) => float(*value),
            Value::Decimal(text) => format!("~f{}", checked(text, number::is_decimal)?),
            Value::Character(value) => format!("~c{value}"),
            Value::String(text) if text.starts_with(['~', '^', '`']) => format!("~{text}"),
            Value::String(text) => return Ok(Some(Cow::Borrowed(text))),
            Value::Keyword(name) => format!("~:{name}"),
            Value::Symbol(name) => format!("~${name}"),
            Value::Instant(millis) if self.style == Style::Verbose && instant::is_writable(*millis) => {
                format!("~t{}", instant::text(*millis))
            }
            Value::Instant(millis) => format!("~m{millis}"),
            Value::Uuid(bytes) => format!("~u{}", ser::uuid_text(bytes)),
            Value::Bytes(bytes) => format!("~b{}", base64::encode(bytes)),
            Value::Tagged(letter, text) => match &**text {
                Value::String(text) if scalar::is_letter(letter) => format!("~{letter}{text}"),
                _ => return Ok(None),
            },
            Value::Ratio(_) | Value::List(_) | Value::Vector(_) | Value::Set(_) | Value::Map(_) => return Ok(None),
        };
        Ok(Some(Cow::Owned(text)))
    }

    fn text(&mut self, text: &str, place: Place) {
        let code = match self.style {
            Style::Json => self.written.code(text, place),
            Style::Verbose => None,
        };
        write_string(code.as_deref().unwrap_or(text), &mut self.out);
    }

    /// Begins a tagged value, and returns what ends it.
    fn tag(&mut self, tag: &str) -> char {
        let (open, between, close) = match self.style {
            Style::Json => ('[', ',', ']'),
            Style::Verbose => ('{', ':', '}'),
        };
        self.out.push(open);
        self.text(&format!("~#{tag}"), Place::Value);
        self.out.push(between);
        close
    }

    fn array(&mut self, elements: &[Value], depth: usize) -> Result<(), EncodeError> {
        self.elements(elements.iter(), depth)
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
        let mut keys = Vec::with_capacity(entries.len());
        for (key, _) in entries {
            match self.text_of(key)? {
                Some(text) => keys.push(text),
                None => {
                    let flat = entries.iter().flat_map(|(key, value)| [key, value]);
                    return self.tagged_array("cmap", flat, depth);
                }
            }
        }
        let depth = deeper(depth)?;
        let (open, between, close) = match self.style {
            Style::Json => ("[\"^ \"", ',', ']'),
            Style::Verbose => ("{", ':', '}'),
        };
        self.out.push_str(open);
        for (index, (key, (_, value))) in keys.iter().zip(entries).enumerate() {
            if index > 0 || self.style == Style::Json {
                self.out.push(',');
            }
            self.text(key, Place::Key);
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
    fn tagged(&mut self, value: &Value, depth: usize) -> Result<(), EncodeError> {
        let Value::Tagged(tag, value) = value else { return Err(error("this value")) };
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

/// A number as text, where JSON has none for it.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "~zNaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "~zINF" } else { "~z-INF" }.to_owned();
    }
    let mut text = String::from("~d");
    number::float(value, &mut text);
    text
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
        let event = crate::codec::envelope::utf8(event)?;
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
                    write_string(written.code(&text, place).as_deref().unwrap_or(&text), out);
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
