//! Tokens as any type that serde can read: the one deserializer of text and values.

use super::failure::Failure;
use super::shortcuts::{Number, Word};
use super::skip;
use super::token::{Shape, Source, Token, Tokens};
use super::walk::Walk;
use super::{Value, ValueError};
use crate::codec::DecodeError;
use serde::de::value::{CowStrDeserializer, SeqAccessDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use std::borrow::Cow;

/// Reads `T` out of a value. Keywords and strings both serve as struct fields and variants.
///
/// # Errors
/// When the value does not fit `T`.
#[allow(clippy::needless_pass_by_value, reason = "a value is what most callers have, and give away")]
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, ValueError> {
    T::deserialize(&mut Tokens::new(Walk::new(&value))).map_err(|failure| match failure.into() {
        DecodeError::Data(text) => ValueError(text),
        other => ValueError(other.to_string()),
    })
}

/// The name by which [`Value`] asks for everything a form can be.
pub(super) const VALUE: &str = "$tsugi::value";

impl<'de, S: Source<'de>> Tokens<'de, S> {
    /// The next token that is not a tag: a type takes a tagged value for the value.
    fn untagged(&mut self) -> Result<Token<'de>, Failure> {
        loop {
            match self.next()? {
                Token::Tag(_) => {}
                token => return Ok(token),
            }
        }
    }

    fn visit<V: Visitor<'de>>(&mut self, token: Token<'de>, visitor: V) -> Result<V::Value, Failure> {
        match token {
            Token::Nil => visitor.visit_unit(),
            Token::Boolean(value) => visitor.visit_bool(value),
            Token::Integer(value) => visitor.visit_i64(value),
            Token::BigInteger(digits) => visit_integer(&digits, visitor),
            Token::Float(value) => visitor.visit_f64(value),
            Token::Character(value) => visitor.visit_char(value),
            Token::String(text)
            | Token::Keyword(text)
            | Token::Symbol(text)
            | Token::Decimal(text)
            | Token::Ratio(text) => visit_text(text, visitor),
            Token::Instant(millis) => visitor.visit_string(super::instant::text(millis)),
            Token::Uuid(bytes) => visitor.visit_string(super::ser::uuid_text(&bytes)),
            Token::Bytes(Cow::Borrowed(bytes)) => visitor.visit_borrowed_bytes(bytes),
            Token::Bytes(Cow::Owned(bytes)) => visitor.visit_byte_buf(bytes),
            Token::Open(Shape::Map) => self.visit_map(visitor),
            Token::Open(_) => self.visit_seq(visitor),
            Token::Tag(_) => {
                let token = self.untagged()?;
                self.visit(token, visitor)
            }
            Token::Close | Token::End => Err(self.syntax("a value is missing").into()),
        }
    }

    /// A collection of either kind, or what is none.
    #[inline]
    fn visit_members<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        match self.opens() {
            Some(Shape::Map) => self.visit_map(visitor),
            Some(_) => self.visit_seq(visitor),
            None => self.visit_next(visitor),
        }
    }

    fn visit_next<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        let token = self.next()?;
        self.visit(token, visitor)
    }

    #[inline]
    fn visit_number<V: Visitor<'de>>(number: Number, visitor: V) -> Result<V::Value, Failure> {
        match number {
            Number::Integer(value) => visitor.visit_i64(value),
            Number::Float(value) => visitor.visit_f64(value),
        }
    }

    #[inline]
    fn visit_word<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        match self.word() {
            Some(Word::Boolean(value)) => visitor.visit_bool(value),
            Some(Word::Nil) => visitor.visit_unit(),
            None => self.visit_next(visitor),
        }
    }

    fn visit_seq<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        let mut members = Members { tokens: self, closed: false };
        let read = visitor.visit_seq(&mut members)?;
        members.close().map(|()| read)
    }

    fn visit_map<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        let mut members = Members { tokens: self, closed: false };
        let read = visitor.visit_map(&mut members)?;
        members.close().map(|()| read)
    }

    /// An integer: of any size, a moment as milliseconds and, in a format that widens, decimal text.
    #[inline]
    fn visit_whole<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        match self.number() {
            Some(number) => Self::visit_number(number, visitor),
            None => self.visit_whole_token(visitor),
        }
    }

    fn visit_whole_token<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        match self.untagged()? {
            Token::Instant(millis) => visitor.visit_i64(millis),
            Token::String(text) if S::WIDENS && is_decimal(&text) => visit_integer(&text, visitor),
            token => self.visit(token, visitor),
        }
    }

    #[inline]
    fn visit_float<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        match self.number() {
            Some(number) => Self::visit_number(number, visitor),
            None => self.visit_float_token(visitor),
        }
    }

    fn visit_float_token<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        match self.untagged()? {
            Token::Decimal(text) | Token::BigInteger(text) => visitor.visit_f64(text.parse().unwrap_or(f64::NAN)),
            Token::Ratio(text) => visitor.visit_f64(ratio(&text)),
            Token::String(text) if S::WIDENS && is_decimal(&text) => {
                visitor.visit_f64(text.parse().unwrap_or(f64::NAN))
            }
            token => self.visit(token, visitor),
        }
    }

    #[inline]
    fn visit_text<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        match self.name() {
            Some(name) => visitor.visit_borrowed_str(name.text()),
            None => self.visit_text_token(visitor),
        }
    }

    fn visit_text_token<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        match self.untagged()? {
            Token::BigInteger(text) => visit_text(text, visitor),
            token => self.visit(token, visitor),
        }
    }

    fn visit_octets<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        match self.untagged()? {
            Token::String(text) if S::WIDENS => match super::base64::decode(&text) {
                Some(bytes) => visitor.visit_byte_buf(bytes),
                None => Err(Error::invalid_value(Unexpected::Str(&text), &"base64")),
            },
            token => self.visit(token, visitor),
        }
    }

    /// Everything that a [`Value`] can be; what serde's data model lacks comes as a variant.
    fn visit_value<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        let text = |kind, text| Special { kind, content: Content::<S>::Text(text) };
        match self.next()? {
            Token::Keyword(name) => visitor.visit_enum(text(KEYWORD, name)),
            Token::Symbol(name) => visitor.visit_enum(text(SYMBOL, name)),
            Token::BigInteger(digits) => visitor.visit_enum(text(BIG_INTEGER, digits)),
            Token::Decimal(digits) => visitor.visit_enum(text(DECIMAL, digits)),
            Token::Ratio(digits) => visitor.visit_enum(text(RATIO, digits)),
            Token::Uuid(bytes) => visitor.visit_enum(text(UUID, super::ser::uuid_text(&bytes).into())),
            Token::Instant(millis) => {
                visitor.visit_enum(Special { kind: INSTANT, content: Content::<S>::Number(millis) })
            }
            Token::Tag(tag) => visitor.visit_enum(Special { kind: TAGGED, content: Content::Tagged(Some(tag), self) }),
            Token::Open(Shape::List) => visitor.visit_enum(Special { kind: LIST, content: Content::Members(self) }),
            Token::Open(Shape::Set) => visitor.visit_enum(Special { kind: SET, content: Content::Members(self) }),
            token => self.visit(token, visitor),
        }
    }
}

pub(super) const KEYWORD: u32 = 0;
pub(super) const SYMBOL: u32 = 1;
pub(super) const BIG_INTEGER: u32 = 2;
pub(super) const DECIMAL: u32 = 3;
pub(super) const RATIO: u32 = 4;
pub(super) const UUID: u32 = 5;
pub(super) const INSTANT: u32 = 6;
pub(super) const TAGGED: u32 = 7;
pub(super) const LIST: u32 = 8;
pub(super) const SET: u32 = 9;

fn visit_text<'de, V: Visitor<'de>>(text: Cow<'de, str>, visitor: V) -> Result<V::Value, Failure> {
    match text {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

/// Digits as the smallest integer they fit, else as text.
fn visit_integer<'de, V: Visitor<'de>>(digits: &str, visitor: V) -> Result<V::Value, Failure> {
    if let Ok(value) = digits.parse::<i64>() {
        visitor.visit_i64(value)
    } else if let Ok(value) = digits.parse::<u64>() {
        visitor.visit_u64(value)
    } else if let Ok(value) = digits.parse::<i128>() {
        visitor.visit_i128(value)
    } else if let Ok(value) = digits.parse::<u128>() {
        visitor.visit_u128(value)
    } else {
        visitor.visit_str(digits)
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.len() <= 40 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn ratio(text: &str) -> f64 {
    let part = |part: Option<&str>| part.and_then(|digits| digits.parse::<f64>().ok()).unwrap_or(f64::NAN);
    let mut parts = text.split('/');
    part(parts.next()) / part(parts.next())
}

macro_rules! forward {
    ($to:ident: $($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.$to(visitor)
        }
    )*};
}

impl<'de, S: Source<'de>> Deserializer<'de> for &mut Tokens<'de, S> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.visit_next(visitor)
    }

    forward!(visit_whole: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128);
    forward!(visit_whole: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128);
    forward!(visit_float: deserialize_f32 deserialize_f64);
    forward!(visit_text: deserialize_str deserialize_string);
    forward!(visit_octets: deserialize_bytes deserialize_byte_buf);
    forward!(visit_members: deserialize_seq deserialize_map);
    forward!(visit_word: deserialize_bool);

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.nil()? { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// A name, of a field or variant. Unlike text, no number is one.
    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.name() {
            Some(name) => visitor.visit_borrowed_str(name.text()),
            None => self.visit_next(visitor),
        }
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.visit_members(visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.visit_members(visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.visit_members(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, to: V) -> Result<V::Value, Failure> {
        if name == VALUE { self.visit_value(to) } else { to.visit_newtype_struct(self) }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.untagged()? {
            Token::String(name) | Token::Keyword(name) | Token::Symbol(name) => {
                visitor.visit_enum(CowStrDeserializer::new(name))
            }
            Token::Open(Shape::Map) => {
                let read = visitor.visit_enum(&mut *self)?;
                match self.next()? {
                    Token::Close => Ok(read),
                    _ => Err(Error::invalid_length(2, &"a map of one entry, the variant")),
                }
            }
            _ => Err(Error::invalid_type(Unexpected::Other("neither"), &"a variant's name or a map of one entry")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        skip::skip(self)?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        char unit unit_struct
    }
}

/// The members of the collection that was opened last.
struct Members<'t, 'de, S> {
    tokens: &'t mut Tokens<'de, S>,
    closed: bool,
}

impl<'de, S: Source<'de>> Members<'_, 'de, S> {
    /// Whether there is a further member.
    #[inline]
    fn more(&mut self) -> Result<bool, Failure> {
        self.closed = self.closed || self.tokens.closes()?;
        Ok(!self.closed)
    }

    fn close(mut self) -> Result<(), Failure> {
        if self.more()? { Err(Error::custom("more elements than expected")) } else { Ok(()) }
    }
}

impl<'de, S: Source<'de>> SeqAccess<'de> for Members<'_, 'de, S> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        if self.more()? { seed.deserialize(&mut *self.tokens).map(Some) } else { Ok(None) }
    }
}

impl<'de, S: Source<'de>> MapAccess<'de> for Members<'_, 'de, S> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        if self.more()? { seed.deserialize(&mut *self.tokens).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        seed.deserialize(&mut *self.tokens)
    }
}

/// `{:variant data}`, after its brace.
impl<'de, S: Source<'de>> EnumAccess<'de> for &mut Tokens<'de, S> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        if *self.peek()? == Token::Close {
            return Err(Error::invalid_length(0, &"a map of one entry, the variant"));
        }
        Ok((seed.deserialize(&mut *self)?, self))
    }
}

impl<'de, S: Source<'de>> VariantAccess<'de> for &mut Tokens<'de, S> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        serde::Deserialize::deserialize(self)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], to: V) -> Result<V::Value, Failure> {
        self.deserialize_any(to)
    }
}

/// A kind of value that serde's data model lacks, as a variant that only [`Value`] asks for.
struct Special<'t, 'de, S> {
    kind: u32,
    content: Content<'t, 'de, S>,
}

enum Content<'t, 'de, S> {
    Text(Cow<'de, str>),
    Number(i64),
    Members(&'t mut Tokens<'de, S>),
    /// The tag until it was given, then the value that follows.
    Tagged(Option<Cow<'de, str>>, &'t mut Tokens<'de, S>),
}

impl<'t, 'de, S: Source<'de>> EnumAccess<'de> for Special<'t, 'de, S> {
    type Error = Failure;
    type Variant = Content<'t, 'de, S>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content<'t, 'de, S>), Failure> {
        Ok((seed.deserialize(IntoDeserializer::<Failure>::into_deserializer(self.kind))?, self.content))
    }
}

impl<'de, S: Source<'de>> VariantAccess<'de> for Content<'_, 'de, S> {
    type Error = Failure;

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        match self {
            Self::Text(text) => seed.deserialize(CowStrDeserializer::new(text)),
            Self::Number(value) => seed.deserialize(value.into_deserializer()),
            Self::Members(tokens) => {
                let mut members = Members { tokens, closed: false };
                let read = seed.deserialize(SeqAccessDeserializer::new(&mut members))?;
                members.close().map(|()| read)
            }
            tagged @ Self::Tagged(..) => seed.deserialize(SeqAccessDeserializer::new(tagged)),
        }
    }

    fn unit_variant(self) -> Result<(), Failure> {
        Err(Error::custom("only a Value reads this"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Failure> {
        Err(Error::custom("only a Value reads this"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Failure> {
        Err(Error::custom("only a Value reads this"))
    }
}

/// A tag and its value, as two elements.
impl<'de, S: Source<'de>> SeqAccess<'de> for Content<'_, 'de, S> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        match self {
            Self::Tagged(tag @ Some(_), _) => {
                let name = tag.take().unwrap_or_default();
                seed.deserialize(CowStrDeserializer::new(name)).map(Some)
            }
            Self::Tagged(None, tokens) => seed.deserialize(&mut **tokens).map(Some),
            _ => Ok(None),
        }
    }
}
