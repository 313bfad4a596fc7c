//! Types written straight as text. What needs a [`Value`] first, as few things do, is left to the way over that.

use super::text::Text;
use crate::value::Value;
use serde::ser::{self, Serialize};
use std::fmt::Display;

/// Not for the straight way, or not for any: the other one tells.
#[derive(Debug)]
pub(super) struct Unusual;

impl Display for Unusual {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not for the straight way")
    }
}

impl std::error::Error for Unusual {}

impl ser::Error for Unusual {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

type Done = Result<(), Unusual>;

/// Writes what [`to_value`](crate::value::to_value) would make a value of as that value is written.
pub(super) struct Direct<'o, C> {
    codec: &'o C,
    out: &'o mut String,
    /// How many levels of collections there may still be.
    depth: usize,
}

impl<'o, C: Text> Direct<'o, C> {
    pub(super) fn new(codec: &'o C, out: &'o mut String) -> Self {
        Self { codec, out, depth: codec.depth() }
    }

    fn again(&mut self) -> Direct<'_, C> {
        Direct { codec: self.codec, out: self.out, depth: self.depth }
    }

    fn deeper(mut self) -> Result<Self, Unusual> {
        self.depth = self.depth.checked_sub(1).ok_or(Unusual)?;
        Ok(self)
    }

    /// What takes no memory as a value.
    fn scalar(self, value: &Value) -> Done {
        self.codec.write(value, self.out).map_err(|_| Unusual)
    }

    fn open(self, open: char, close: &'static str) -> Result<Inside<'o, C>, Unusual> {
        let direct = self.deeper()?;
        direct.out.push(open);
        Ok(Inside { direct, first: true, close })
    }

    /// A map of one entry, whose value is still to be written.
    fn variant(self, name: &str) -> Result<Self, Unusual> {
        let direct = self.deeper()?;
        direct.out.push('{');
        C::write_keyword(name, direct.out).map_err(|_| Unusual)?;
        direct.out.push_str(C::KEY_AND_VALUE);
        Ok(direct)
    }
}

/// A collection that is being written.
pub(super) struct Inside<'o, C> {
    direct: Direct<'o, C>,
    first: bool,
    close: &'static str,
}

impl<C: Text> Inside<'_, C> {
    fn between(&mut self, separator: &str) {
        if !std::mem::replace(&mut self.first, false) {
            self.direct.out.push_str(separator);
        }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.between(C::BETWEEN);
        value.serialize(self.direct.again())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        self.between(C::BETWEEN_ENTRIES);
        C::write_keyword(name, self.direct.out).map_err(|_| Unusual)?;
        self.direct.out.push_str(C::KEY_AND_VALUE);
        value.serialize(self.direct.again())
    }

    fn close(self) -> Done {
        self.direct.out.push_str(self.close);
        Ok(())
    }
}

impl<'o, C: Text> ser::Serializer for Direct<'o, C> {
    type Ok = ();
    type Error = Unusual;
    type SerializeSeq = Inside<'o, C>;
    type SerializeTuple = Inside<'o, C>;
    type SerializeTupleStruct = Inside<'o, C>;
    type SerializeTupleVariant = Inside<'o, C>;
    type SerializeMap = Inside<'o, C>;
    type SerializeStruct = Inside<'o, C>;
    type SerializeStructVariant = Inside<'o, C>;

    fn serialize_bool(self, v: bool) -> Done {
        self.scalar(&Value::Boolean(v))
    }
    fn serialize_i8(self, v: i8) -> Done {
        self.serialize_i64(v.into())
    }
    fn serialize_i16(self, v: i16) -> Done {
        self.serialize_i64(v.into())
    }
    fn serialize_i32(self, v: i32) -> Done {
        self.serialize_i64(v.into())
    }
    fn serialize_i64(self, v: i64) -> Done {
        self.scalar(&Value::Integer(v))
    }
    fn serialize_u8(self, v: u8) -> Done {
        self.serialize_i64(v.into())
    }
    fn serialize_u16(self, v: u16) -> Done {
        self.serialize_i64(v.into())
    }
    fn serialize_u32(self, v: u32) -> Done {
        self.serialize_i64(v.into())
    }
    fn serialize_u64(self, v: u64) -> Done {
        self.serialize_i64(v.try_into().map_err(|_| Unusual)?)
    }
    fn serialize_f32(self, _: f32) -> Done {
        Err(Unusual)
    }
    fn serialize_f64(self, v: f64) -> Done {
        self.scalar(&Value::Float(v))
    }
    fn serialize_char(self, v: char) -> Done {
        self.scalar(&Value::Character(v))
    }
    fn serialize_str(self, v: &str) -> Done {
        C::write_string(v, self.out);
        Ok(())
    }
    fn serialize_bytes(self, _: &[u8]) -> Done {
        Err(Unusual)
    }
    fn serialize_none(self) -> Done {
        self.scalar(&Value::Nil)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Done {
        self.scalar(&Value::Nil)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.scalar(&Value::Nil)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        C::write_keyword(variant, self.out).map_err(|_| Unusual)
    }
    /// Kinds that serde's data model lacks come as newtypes of a name of ours.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Done {
        if name.starts_with("$tsugi::") { Err(Unusual) } else { value.serialize(self) }
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        let mut direct = self.variant(variant)?;
        value.serialize(direct.again())?;
        direct.out.push('}');
        Ok(())
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Inside<'o, C>, Unusual> {
        self.open('[', "]")
    }
    fn serialize_tuple(self, _: usize) -> Result<Inside<'o, C>, Unusual> {
        self.open('[', "]")
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Inside<'o, C>, Unusual> {
        self.open('[', "]")
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'o, C>, Unusual> {
        self.variant(variant)?.open('[', "]}")
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Inside<'o, C>, Unusual> {
        self.open('{', "}")
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'o, C>, Unusual> {
        self.open('{', "}")
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'o, C>, Unusual> {
        self.variant(variant)?.open('{', "}}")
    }
}

macro_rules! elements {
    ($($kind:ident $method:ident)*) => {$(
        impl<C: Text> ser::$kind for Inside<'_, C> {
            type Ok = ();
            type Error = Unusual;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.element(value)
            }
            fn end(self) -> Done {
                self.close()
            }
        }
    )*};
}

elements!(SerializeSeq serialize_element SerializeTuple serialize_element);
elements!(SerializeTupleStruct serialize_field SerializeTupleVariant serialize_field);

macro_rules! fields {
    ($($kind:ident)*) => {$(
        impl<C: Text> ser::$kind for Inside<'_, C> {
            type Ok = ();
            type Error = Unusual;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
                self.field(key, value)
            }
            fn end(self) -> Done {
                self.close()
            }
        }
    )*};
}

fields!(SerializeStruct SerializeStructVariant);

impl<C: Text> ser::SerializeMap for Inside<'_, C> {
    type Ok = ();
    type Error = Unusual;

    /// Keys that are no text may come to be the same as others, which is for the other way to see.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        self.between(C::BETWEEN_ENTRIES);
        key.serialize(Key::<C>(self.direct.again()))?;
        self.direct.out.push_str(C::KEY_AND_VALUE);
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(self.direct.again())
    }
    fn end(self) -> Done {
        self.close()
    }
}

/// Takes text and nothing else.
struct Key<'o, C>(Direct<'o, C>);

macro_rules! no_keys {
    ($($method:ident($($argument:ty),*) $result:ty;)*) => {$(
        fn $method(self, $(_: $argument),*) -> Result<$result, Unusual> {
            Err(Unusual)
        }
    )*};
}

type Never = ser::Impossible<(), Unusual>;

impl<C: Text> ser::Serializer for Key<'_, C> {
    type Ok = ();
    type Error = Unusual;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    fn serialize_str(self, v: &str) -> Done {
        self.0.serialize_str(v)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Done {
        if name.starts_with("$tsugi::") { Err(Unusual) } else { value.serialize(self) }
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(self, _: &'static str, _: u32, _: &'static str, _: &T) -> Done {
        Err(Unusual)
    }
    no_keys! {
        serialize_bool(bool) ();
        serialize_i8(i8) ();
        serialize_i16(i16) ();
        serialize_i32(i32) ();
        serialize_i64(i64) ();
        serialize_u8(u8) ();
        serialize_u16(u16) ();
        serialize_u32(u32) ();
        serialize_u64(u64) ();
        serialize_f32(f32) ();
        serialize_f64(f64) ();
        serialize_char(char) ();
        serialize_bytes(&[u8]) ();
        serialize_none() ();
        serialize_unit() ();
        serialize_unit_struct(&'static str) ();
        serialize_unit_variant(&'static str, u32, &'static str) ();
        serialize_seq(Option<usize>) Never;
        serialize_tuple(usize) Never;
        serialize_tuple_struct(&'static str, usize) Never;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) Never;
        serialize_map(Option<usize>) Never;
        serialize_struct(&'static str, usize) Never;
        serialize_struct_variant(&'static str, u32, &'static str, usize) Never;
    }
}
