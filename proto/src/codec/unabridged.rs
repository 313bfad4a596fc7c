//! Codecs without the short ways of their sources: whatever is read, tokens alone read the same of it, or refuse it alike.

use super::envelope::{self, DataForm, Format};
use super::{DecodeError, Form};
use crate::event::EventId;
use crate::message::Message;
use crate::value::shortcuts::Shortcuts;
use crate::value::token::{Source, Token, Tokens};
use crate::value::{Value, build, skip};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// A codec, or a source, without short ways.
#[derive(Clone)]
struct Unabridged<T>(T);

impl<'de, S: Source<'de>> Shortcuts<'de> for Unabridged<S> {}

impl<'de, S: Source<'de>> Source<'de> for Unabridged<S> {
    const WIDENS: bool = S::WIDENS;

    fn next(&mut self) -> Result<Token<'de>, DecodeError> {
        self.0.next()
    }

    fn start(&self) -> usize {
        self.0.start()
    }

    fn end(&self) -> usize {
        self.0.end()
    }
}

impl<C: Format> Format for Unabridged<C> {
    const NAME: &'static str = C::NAME;
    const FORM: Form = C::FORM;
    const DATA: DataForm = C::DATA;

    type Source<'de> = Unabridged<C::Source<'de>>;

    fn source<'de>(&self, data: &'de [u8]) -> Result<Self::Source<'de>, DecodeError> {
        self.0.source(data).map(Unabridged)
    }

    fn event_id(token: &Token<'_>) -> Option<EventId> {
        C::event_id(token)
    }
}

/// What a handler may want: much of what serde can ask for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(dead_code, reason = "only shown")]
struct Row {
    id: u64,
    text: Option<String>,
    kind: Option<Kind>,
    likes: Vec<u32>,
    at: Option<(i64, f64)>,
    done: bool,
    data: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "only shown")]
enum Kind {
    Plain,
    Image(String),
    Pair(u8, Option<i8>),
    Poll { question: String },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "only shown")]
enum Any {
    Nil(()),
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Many(Vec<Any>),
    Named(BTreeMap<String, Any>),
}

/// # Panics
/// When the short ways read `text` in another way than the tokens.
pub(crate) fn agree<C: Format + Clone>(codec: &C, text: &str) {
    let plain = Unabridged(codec.clone());
    let message = Message::text(text);
    same(text, envelope::decode(codec, &message), envelope::decode(&plain, &message));
    same(text, envelope::decode_all(codec, &message), envelope::decode_all(&plain, &message));
    same(text, envelope::decode_event(codec, &message), envelope::decode_event(&plain, &message));
    same(text, envelope::decode_events(codec, &message), envelope::decode_events(&plain, &message));
    same(text, forms(codec, text), forms(&plain, text));
    typed::<Value, C>(codec, text);
    typed::<IgnoredAny, C>(codec, text);
    typed::<Row, C>(codec, text);
    typed::<Vec<Row>, C>(codec, text);
    typed::<BTreeMap<String, Any>, C>(codec, text);
    typed::<Vec<Any>, C>(codec, text);
    typed::<BTreeMap<i64, Option<Kind>>, C>(codec, text);
    typed::<Vec<f64>, C>(codec, text);
    typed::<Vec<Option<i16>>, C>(codec, text);
    typed::<Vec<Option<String>>, C>(codec, text);
    typed::<(bool, char, ()), C>(codec, text);
    typed::<Kind, C>(codec, text);
}

/// Of two mistakes in data that nobody has checked, either may be told.
fn typed<T: DeserializeOwned + Debug, C: Format + Clone>(codec: &C, text: &str) {
    let plain = Unabridged(codec.clone());
    let (short, tokens) = (envelope::read::<_, T>(codec, text.as_bytes()), envelope::read(&plain, text.as_bytes()));
    if short.is_err() && tokens.is_err() && forms(&plain, text).is_err() {
        return;
    }
    same(text, short, tokens);
}

/// A form that is read, the same passed over, and what follows, with where each ends.
fn forms<C: Format>(codec: &C, text: &str) -> Result<(Value, usize, String), DecodeError> {
    let mut tokens = Tokens::new(codec.source(text.as_bytes())?);
    let mut passed = tokens.clone();
    let value = build::value(&mut tokens)?;
    skip::skip(&mut passed)?;
    let end = tokens.end();
    assert_eq!(end, passed.end(), "{text}");
    let next = format!("{:?}", tokens.next());
    assert_eq!(next, format!("{:?}", passed.next()), "{text}");
    Ok((value, end, next))
}

/// As they are shown, so that not-a-number is the same as itself.
fn same<T: Debug>(text: &str, short: Result<T, DecodeError>, tokens: Result<T, DecodeError>) {
    assert_eq!(format!("{short:?}"), format!("{tokens:?}"), "{text}");
}
