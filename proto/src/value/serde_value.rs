//! A [`Value`] out of any deserializer; out of our own, nothing is lost.

use super::{Value, de, ser};
use serde::de::{Deserialize, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use std::fmt;

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(de::VALUE, AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        Value::deserialize(inner)
    }
    /// Another format's deserializer: it has no more than serde's own data model.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        inner.deserialize_any(self)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }
    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or_else(|_| Value::BigInteger(value.to_string().into()), Value::Integer))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or_else(|_| Value::BigInteger(value.to_string().into()), Value::Integer))
    }
    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or_else(|_| Value::BigInteger(value.to_string().into()), Value::Integer))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }
    fn visit_char<E>(self, value: char) -> Result<Value, E> {
        Ok(Value::Character(value))
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::string(text))
    }
    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes::Bytes::copy_from_slice(bytes)))
    }
    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = members.next_element()? {
            elements.push(element);
        }
        Ok(Value::Vector(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = members.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, special: A) -> Result<Value, A::Error> {
        let (kind, content) = special.variant::<u32>()?;
        match kind {
            de::INSTANT => return content.newtype_variant().map(Value::Instant),
            de::LIST => return content.newtype_variant().map(Value::List),
            de::SET => return content.newtype_variant().map(Value::Set),
            de::TAGGED => {
                let (tag, value) = content.newtype_variant::<(String, Value)>()?;
                return Ok(Value::Tagged(tag.into(), Box::new(value)));
            }
            _ => {}
        }
        let text = content.newtype_variant::<String>()?;
        match kind {
            de::KEYWORD => Ok(Value::Keyword(text.into())),
            de::SYMBOL => Ok(Value::Symbol(text.into())),
            de::BIG_INTEGER => Ok(Value::BigInteger(text.into())),
            de::DECIMAL => Ok(Value::Decimal(text.into())),
            de::RATIO => Ok(Value::Ratio(text.into())),
            de::UUID => ser::parse_uuid(&text).map(Value::Uuid).ok_or_else(|| A::Error::custom("not a UUID")),
            _ => Err(A::Error::custom("not a kind of value")),
        }
    }
}
