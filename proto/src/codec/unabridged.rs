//! Codecs without the short ways of their sources: whatever is read, tokens alone read the same of it, or refuse it alike.

use super::envelope::{self, DataForm, Format};
use super::{DecodeError, Edn, Json};
use crate::event::EventId;
use crate::message::{Content, Message};
use crate::value::shortcuts::Shortcuts;
use crate::value::token::{Source, Token, Tokens};
use crate::value::{Value, build, skip};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
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
    const DATA: DataForm = C::DATA;

    type Source<'de> = Unabridged<C::Source<'de>>;

    fn source<'de>(&self, content: Content<'de>) -> Result<Self::Source<'de>, DecodeError> {
        self.0.source(content).map(Unabridged)
    }

    fn event_id(token: &Token<'_>) -> Option<EventId> {
        C::event_id(token)
    }
}

/// What a handler may want: much of what serde can ask for.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Row {
    id: u64,
    text: Option<String>,
    kind: Option<Kind>,
    likes: Vec<u32>,
    at: Option<(i64, f64)>,
    done: bool,
    data: Option<Value>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Plain,
    Image(String),
    Pair(u8, Option<i8>),
    Poll { question: String },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
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
/// When the short ways of EDN read `text` in another way than its tokens.
pub(crate) fn edn(text: &str) {
    agree(&Edn::new(), text);
}

/// # Panics
/// When those of JSON do.
pub(crate) fn json(text: &str) {
    agree(&Json::new(), text);
}

fn agree<C: Format + Clone>(codec: &C, text: &str) {
    let plain = Unabridged(codec.clone());
    let message = Message::text(text);
    same(text, &envelope::decode_all(codec, &message), &envelope::decode_all(&plain, &message));
    same(text, &envelope::decode_events(codec, &message), &envelope::decode_events(&plain, &message));
    let read = forms(&plain, text);
    let is_checked = read.is_ok();
    same(text, &forms(codec, text), &read);
    typed::<Vec<Row>, C>(codec, text, is_checked);
    typed::<Value, C>(codec, text, is_checked);
    if is_checked {
        typed::<Any, C>(codec, text, true);
        typed::<BTreeMap<i64, Option<Kind>>, C>(codec, text, true);
        typed::<Vec<Option<f64>>, C>(codec, text, true);
        typed::<BTreeSet<Option<String>>, C>(codec, text, true);
        typed::<(bool, char, ()), C>(codec, text, true);
        typed::<Kind, C>(codec, text, true);
    }
}

/// Of two mistakes in data that was not checked before, either may be told.
fn typed<T: DeserializeOwned + Debug + PartialEq, C: Format + Clone>(codec: &C, text: &str, is_checked: bool) {
    let plain = Unabridged(codec.clone());
    let (short, tokens) =
        (envelope::read::<_, T>(codec, Content::Text(text)), envelope::read(&plain, Content::Text(text)));
    if is_checked || short.is_ok() || tokens.is_ok() {
        same(text, &short, &tokens);
    }
}

/// A form that is read, the same passed over, and what follows, with where each ends.
fn forms<C: Format>(codec: &C, text: &str) -> Result<(Value, usize, String), DecodeError> {
    let mut tokens = Tokens::new(codec.source(Content::Text(text))?);
    let mut passed = tokens.clone();
    let value = build::value(&mut tokens)?;
    skip::skip(&mut passed)?;
    let end = tokens.end();
    assert_eq!(end, passed.end(), "{text}");
    let next = format!("{:?}", tokens.next());
    assert_eq!(next, format!("{:?}", passed.next()), "{text}");
    Ok((value, end, next))
}

/// They may show the same without being it: not-a-number does.
fn same<T: Debug + PartialEq>(text: &str, short: &Result<T, DecodeError>, tokens: &Result<T, DecodeError>) {
    if short == tokens {
        return;
    }
    assert_eq!(format!("{short:?}"), format!("{tokens:?}"), "{text}");
}
