//! Any type that serde can write, as a [`Value`].

use super::Value;
use serde::ser::{self, Serialize, SerializeMap, SerializeSeq};
use std::cell::RefCell;
use std::fmt::Display;
use std::sync::Arc;
use thiserror::Error;

/// Why a type has no [`Value`], or a [`Value`] does not fit a type. The text says what.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ValueError(pub String);

impl ser::Error for ValueError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl serde::de::Error for ValueError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Writes `data` as a value. Struct fields and unit variants become keywords, map keys of type `String` stay strings.
///
/// # Errors
/// When `data`'s own `Serialize` fails.
pub fn to_value<T: Serialize + ?Sized>(data: &T) -> Result<Value, ValueError> {
    data.serialize(Serializer(&Names::default()))
}

/// The kinds of value that serde's data model lacks travel as newtype structs of these names. Our own serializer and
/// deserializers know them; any other serializer writes what is inside.
pub(super) const KINDS: [(&str, Kind); 9] = [
    ("$tsugi::keyword", Kind::Keyword),
    ("$tsugi::symbol", Kind::Symbol),
    ("$tsugi::list", Kind::List),
    ("$tsugi::set", Kind::Set),
    ("$tsugi::instant", Kind::Instant),
    ("$tsugi::uuid", Kind::Uuid),
    ("$tsugi::integer", Kind::BigInteger),
    ("$tsugi::decimal", Kind::Decimal),
    ("$tsugi::ratio", Kind::Ratio),
];
const TAGGED: &str = "$tsugi::tagged";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Keyword,
    Symbol,
    List,
    Set,
    Instant,
    Uuid,
    BigInteger,
    Decimal,
    Ratio,
}

impl Serialize for Value {
    fn serialize<S: ser::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let name = |kind| KINDS.iter().find(|(_, k)| *k == kind).map_or("", |(name, _)| name);
        match self {
            Self::Nil => to.serialize_unit(),
            Self::Boolean(value) => to.serialize_bool(*value),
            Self::Integer(value) => to.serialize_i64(*value),
            Self::Float(value) => to.serialize_f64(*value),
            Self::Character(value) => to.serialize_char(*value),
            Self::String(text) => to.serialize_str(text),
            Self::Bytes(bytes) => to.serialize_bytes(bytes),
            Self::Vector(elements) => to.collect_seq(elements),
            Self::Map(entries) => to.collect_map(entries.iter().map(|(key, value)| (key, value))),
            Self::Keyword(text) => to.serialize_newtype_struct(name(Kind::Keyword), &**text),
            Self::Symbol(text) => to.serialize_newtype_struct(name(Kind::Symbol), &**text),
            Self::List(elements) => to.serialize_newtype_struct(name(Kind::List), elements),
            Self::Set(elements) => to.serialize_newtype_struct(name(Kind::Set), elements),
            Self::Instant(millis) => to.serialize_newtype_struct(name(Kind::Instant), millis),
            Self::Uuid(bytes) => to.serialize_newtype_struct(name(Kind::Uuid), &uuid_text(bytes)),
            Self::BigInteger(text) => to.serialize_newtype_struct(name(Kind::BigInteger), &**text),
            Self::Decimal(text) => to.serialize_newtype_struct(name(Kind::Decimal), &**text),
            Self::Ratio(text) => to.serialize_newtype_struct(name(Kind::Ratio), &**text),
            Self::Tagged(tag, value) => to.serialize_newtype_struct(TAGGED, &(&**tag, &**value)),
        }
    }
}

/// A UUID as text: lower-case, with hyphens (RFC 9562 section 4).
#[must_use]
pub(crate) fn uuid_text(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    text
}

/// The reverse of [`uuid_text`], reading either case.
#[must_use]
pub(crate) fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    if text.len() != 36 || [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
        return None;
    }
    let mut bytes = [0; 16];
    let mut nibbles = text.iter().enumerate().filter(|(at, _)| ![8, 13, 18, 23].contains(at));
    for byte in &mut bytes {
        for _ in 0..2 {
            let (_, &digit) = nibbles.next()?;
            *byte = *byte << 4 | u8::try_from(char::from(digit).to_digit(16)?).ok()?;
        }
    }
    Some(bytes)
}

/// Names of fields and variants that came before, so that rows of one type share theirs.
#[derive(Default)]
struct Names(RefCell<Vec<(&'static str, Arc<str>)>>);

impl Names {
    /// So many are looked through faster than a name is copied.
    const MOST: usize = 32;

    fn keyword(&self, name: &'static str) -> Value {
        let mut known = self.0.borrow_mut();
        if let Some((_, shared)) = known.iter().find(|(other, _)| std::ptr::eq(*other, name)) {
            return Value::Keyword(Arc::clone(shared));
        }
        let shared: Arc<str> = name.into();
        if known.len() < Self::MOST {
            known.push((name, Arc::clone(&shared)));
        }
        Value::Keyword(shared)
    }
}

#[derive(Clone, Copy)]
struct Serializer<'n>(&'n Names);

impl<'n> ser::Serializer for Serializer<'n> {
    type Ok = Value;
    type Error = ValueError;
    type SerializeSeq = Elements<'n>;
    type SerializeTuple = Elements<'n>;
    type SerializeTupleStruct = Elements<'n>;
    type SerializeTupleVariant = Elements<'n>;
    type SerializeMap = Entries<'n>;
    type SerializeStruct = Entries<'n>;
    type SerializeStructVariant = Entries<'n>;

    fn serialize_bool(self, v: bool) -> Result<Value, ValueError> {
        Ok(Value::Boolean(v))
    }
    fn serialize_i8(self, v: i8) -> Result<Value, ValueError> {
        self.serialize_i64(v.into())
    }
    fn serialize_i16(self, v: i16) -> Result<Value, ValueError> {
        self.serialize_i64(v.into())
    }
    fn serialize_i32(self, v: i32) -> Result<Value, ValueError> {
        self.serialize_i64(v.into())
    }
    fn serialize_i64(self, v: i64) -> Result<Value, ValueError> {
        Ok(Value::Integer(v))
    }
    fn serialize_i128(self, v: i128) -> Result<Value, ValueError> {
        Ok(i64::try_from(v).map_or_else(|_| Value::BigInteger(v.to_string().into()), Value::Integer))
    }
    fn serialize_u8(self, v: u8) -> Result<Value, ValueError> {
        self.serialize_i64(v.into())
    }
    fn serialize_u16(self, v: u16) -> Result<Value, ValueError> {
        self.serialize_i64(v.into())
    }
    fn serialize_u32(self, v: u32) -> Result<Value, ValueError> {
        self.serialize_i64(v.into())
    }
    fn serialize_u64(self, v: u64) -> Result<Value, ValueError> {
        self.serialize_u128(v.into())
    }
    fn serialize_u128(self, v: u128) -> Result<Value, ValueError> {
        Ok(i64::try_from(v).map_or_else(|_| Value::BigInteger(v.to_string().into()), Value::Integer))
    }
    /// Through its shortest text, so that `0.1_f32` becomes 0.1 and not 0.10000000149011612.
    fn serialize_f32(self, v: f32) -> Result<Value, ValueError> {
        Ok(Value::Float(v.to_string().parse().unwrap_or_else(|_| f64::from(v))))
    }
    fn serialize_f64(self, v: f64) -> Result<Value, ValueError> {
        Ok(Value::Float(v))
    }
    fn serialize_char(self, v: char) -> Result<Value, ValueError> {
        Ok(Value::Character(v))
    }
    fn serialize_str(self, v: &str) -> Result<Value, ValueError> {
        Ok(Value::string(v))
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<Value, ValueError> {
        Ok(Value::Bytes(bytes::Bytes::copy_from_slice(v)))
    }
    fn serialize_none(self) -> Result<Value, ValueError> {
        Ok(Value::Nil)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, ValueError> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Value, ValueError> {
        Ok(Value::Nil)
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Result<Value, ValueError> {
        Ok(Value::Nil)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, ValueError> {
        Ok(self.0.keyword(variant))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, v: &T) -> Result<Value, ValueError> {
        let inner = v.serialize(self)?;
        if !name.starts_with("$tsugi::") {
            return Ok(inner);
        }
        Ok(of_kind(name, inner))
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, ValueError> {
        Ok(one_entry(self.0.keyword(variant), value.serialize(self)?))
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<Elements<'n>, ValueError> {
        // The length is a hint from outside; a wrong one must cost nothing.
        Ok(Elements { names: self.0, variant: None, elements: Vec::with_capacity(len.unwrap_or(0).min(1024)) })
    }
    fn serialize_tuple(self, len: usize) -> Result<Elements<'n>, ValueError> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Elements<'n>, ValueError> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Elements<'n>, ValueError> {
        Ok(Elements { variant: Some(variant), ..self.serialize_seq(Some(len))? })
    }
    fn serialize_map(self, len: Option<usize>) -> Result<Entries<'n>, ValueError> {
        Ok(Entries { names: self.0, variant: None, key: None, entries: Vec::with_capacity(len.unwrap_or(0).min(1024)) })
    }
    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Entries<'n>, ValueError> {
        self.serialize_map(Some(len))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Entries<'n>, ValueError> {
        Ok(Entries { variant: Some(variant), ..self.serialize_map(Some(len))? })
    }
}

fn of_kind(name: &str, inner: Value) -> Value {
    let kind = KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
    match (kind, inner) {
        (Some(Kind::Keyword), Value::String(text)) => Value::Keyword(text),
        (Some(Kind::Symbol), Value::String(text)) => Value::Symbol(text),
        (Some(Kind::BigInteger), Value::String(text)) => Value::BigInteger(text),
        (Some(Kind::Decimal), Value::String(text)) => Value::Decimal(text),
        (Some(Kind::Ratio), Value::String(text)) => Value::Ratio(text),
        (Some(Kind::List), Value::Vector(elements)) => Value::List(elements),
        (Some(Kind::Set), Value::Vector(elements)) => Value::Set(elements),
        (Some(Kind::Instant), Value::Integer(millis)) => Value::Instant(millis),
        (Some(Kind::Uuid), Value::String(text)) => parse_uuid(&text).map_or_else(|| Value::String(text), Value::Uuid),
        (None, Value::Vector(pair)) if name == TAGGED => tagged(pair),
        (_, inner) => inner,
    }
}

fn tagged(pair: Vec<Value>) -> Value {
    match <[Value; 2]>::try_from(pair) {
        Ok([Value::String(tag), value]) => Value::Tagged(tag, Box::new(value)),
        Ok(other) => Value::Vector(other.into()),
        Err(other) => Value::Vector(other),
    }
}

fn one_entry(variant: Value, value: Value) -> Value {
    Value::Map(vec![(variant, value)])
}

fn wrap(names: &Names, variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => one_entry(names.keyword(variant), value),
        None => value,
    }
}

struct Elements<'n> {
    names: &'n Names,
    variant: Option<&'static str>,
    elements: Vec<Value>,
}

impl SerializeSeq for Elements<'_> {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        self.elements.push(value.serialize(Serializer(self.names))?);
        Ok(())
    }
    fn end(self) -> Result<Value, ValueError> {
        Ok(wrap(self.names, self.variant, Value::Vector(self.elements)))
    }
}

impl ser::SerializeTuple for Elements<'_> {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        SerializeSeq::serialize_element(self, value)
    }
    fn end(self) -> Result<Value, ValueError> {
        SerializeSeq::end(self)
    }
}

impl ser::SerializeTupleStruct for Elements<'_> {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        SerializeSeq::serialize_element(self, value)
    }
    fn end(self) -> Result<Value, ValueError> {
        SerializeSeq::end(self)
    }
}

impl ser::SerializeTupleVariant for Elements<'_> {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        SerializeSeq::serialize_element(self, value)
    }
    fn end(self) -> Result<Value, ValueError> {
        SerializeSeq::end(self)
    }
}

struct Entries<'n> {
    names: &'n Names,
    variant: Option<&'static str>,
    key: Option<Value>,
    entries: Vec<(Value, Value)>,
}

impl Entries<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), ValueError> {
        self.entries.push((self.names.keyword(key), value.serialize(Serializer(self.names))?));
        Ok(())
    }
}

impl SerializeMap for Entries<'_> {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ValueError> {
        self.key = Some(key.serialize(Serializer(self.names))?);
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        let key = self.key.take().ok_or_else(|| ValueError("a map's value came before its key".to_owned()))?;
        self.entries.push((key, value.serialize(Serializer(self.names))?));
        Ok(())
    }
    fn end(self) -> Result<Value, ValueError> {
        Ok(wrap(self.names, self.variant, Value::Map(self.entries)))
    }
}

impl ser::SerializeStruct for Entries<'_> {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), ValueError> {
        self.field(key, value)
    }
    fn end(self) -> Result<Value, ValueError> {
        SerializeMap::end(self)
    }
}

impl ser::SerializeStructVariant for Entries<'_> {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), ValueError> {
        self.field(key, value)
    }
    fn end(self) -> Result<Value, ValueError> {
        SerializeMap::end(self)
    }
}
