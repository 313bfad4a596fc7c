//! What a handler returns, as what the client is told.

use crate::outbox::Taken;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;
use tsugi_proto::{Codec, EventId, Frame, Value};

/// What the client is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// This value.
    Value(Value),
    /// That it failed. Boxed, since it is rare and would make every reply as large.
    Failure(Box<Failure>),
    /// Nothing, by this return at least.
    None,
    /// What was written for its client already. A handler's return value becomes this by itself, where that saves a [`Value`].
    #[doc(hidden)]
    Written(Written),
}

/// A reply that needs nothing but to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Written(pub(crate) Frame);

/// Writes what a handler returns as the reply to its request.
pub struct Pen<'p> {
    pub(crate) codec: &'p dyn Codec,
    pub(crate) slot: &'p Value,
}

impl Reply {
    /// What is answered, if anything is.
    pub(crate) fn into_result(self) -> Option<Result<Value, Failure>> {
        match self {
            Self::Value(value) => Some(Ok(value)),
            Self::Failure(failure) => Some(Err(*failure)),
            Self::None => None,
            // It is of another request.
            Self::Written(_) => Some(Err(Failure::internal())),
        }
    }
}

/// A return value that becomes a reply.
///
/// `()` replies nil, [`Data`](crate::Data) and [`Value`] reply what they hold, [`NoReply`] does not reply, and
/// `Result` replies either a value or a failure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned from a handler",
    label = "not a reply",
    note = "return `()`, `Data<T>`, `Value`, `NoReply`, or a `Result` of one of these and an `impl IntoFailure`"
)]
pub trait IntoReply {
    /// The reply.
    fn into_reply(self) -> Reply;

    /// The same for one request, where it may be written at once.
    #[doc(hidden)]
    fn write(self, pen: &Pen<'_>) -> Reply
    where
        Self: Sized,
    {
        let _ = pen;
        self.into_reply()
    }
}

/// An error with a form on the wire, so that handlers can return it and clients can tell it apart by its code.
///
/// ```
/// use tsugi::{Failure, IntoFailure};
///
/// enum Denied { Muted, Closed { room: String } }
///
/// impl IntoFailure for Denied {
///     fn into_failure(self) -> Failure {
///         match self {
///             Self::Muted => Failure::new("muted", "you may not speak here"),
///             Self::Closed { room } => Failure::new("closed", format!("the room {room} is closed")),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no form on the wire",
    note = "implement `tsugi::IntoFailure` for it, or return `tsugi::Failed`, which every error converts into with `?`"
)]
pub trait IntoFailure {
    /// The failure, as the client will see it.
    fn into_failure(self) -> Failure;
}

/// What a client is told when its request fails.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// For programs: short and stable.
    pub code: Cow<'static, str>,
    /// For people.
    pub message: Cow<'static, str>,
    /// Whatever else the client should know.
    pub data: Option<Value>,
}

impl Failure {
    /// No route and no fallback for the event.
    pub const UNKNOWN_EVENT: &'static str = "unknown-event";
    /// The data does not fit the handler's type.
    pub const BAD_DATA: &'static str = "bad-data";
    /// The handler failed: an error without a form of its own, or a panic.
    pub const FAILED: &'static str = "failed";
    /// The event is in the namespace of the protocol.
    pub const RESERVED: &'static str = "reserved";
    /// What was sent is no event.
    pub const BAD_EVENT: &'static str = "bad-event";
    /// The handler wants a user and the client is anonymous.
    pub const ANONYMOUS: &'static str = "anonymous";

    /// A failure without data.
    #[must_use]
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), message: message.into(), data: None }
    }

    /// The same with data.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// What the client is told of a mistake of this end: that there was one.
    pub(crate) fn internal() -> Self {
        Self::new(Self::FAILED, "the server could not handle this")
    }

    /// The form on the wire: `[:chsk/error {:code "…", :message "…"}]`, with `:data` when there is some.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let text = |text: &str| Value::String(text.into());
        let key = |name: &'static str| Value::Keyword(Arc::from(name));
        let mut fields = vec![(key("code"), text(&self.code)), (key("message"), text(&self.message))];
        fields.extend(self.data.clone().map(|data| (key("data"), data)));
        Value::Vector(vec![key("chsk/error"), Value::Map(fields)])
    }
}

/// Any error, as `failed`. The client is told nothing more; the error's text goes to the log.
///
/// It is to handlers what a boxed error is elsewhere: `?` turns every error into it.
///
/// ```
/// use tsugi::{Data, Failed};
///
/// async fn parse(Data(text): Data<String>) -> Result<Data<i64>, Failed> {
///     Ok(Data(text.parse()?))
/// }
/// # let _ = tsugi::Router::<()>::new().on("number/parse", parse);
/// ```
pub struct Failed(Box<dyn std::error::Error + Send + Sync>);

// `Failed` is no error itself: if it were, this would collide with the conversion of a type into itself.
impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl IntoFailure for Failed {
    fn into_failure(self) -> Failure {
        tracing::error!(error = %self.0, "a handler failed");
        Failure::internal()
    }
}

impl IntoFailure for Failure {
    fn into_failure(self) -> Failure {
        self
    }
}

impl IntoFailure for std::convert::Infallible {
    fn into_failure(self) -> Failure {
        match self {}
    }
}

/// Returned by a handler that does not reply: because nobody is told anything, or because a [`Responder`] answers
/// later. A client that waits for a reply waits until its own timeout unless one answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoReply;

impl IntoReply for Reply {
    fn into_reply(self) -> Reply {
        self
    }
}

impl IntoReply for () {
    fn into_reply(self) -> Reply {
        Reply::Value(Value::Nil)
    }
}

impl IntoReply for Value {
    fn into_reply(self) -> Reply {
        Reply::Value(self)
    }
}

impl IntoReply for NoReply {
    fn into_reply(self) -> Reply {
        Reply::None
    }
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        Self::Failure(Box::new(failure))
    }
}

impl IntoReply for Failure {
    fn into_reply(self) -> Reply {
        self.into()
    }
}

impl<T: IntoReply, E: IntoFailure> IntoReply for Result<T, E> {
    fn into_reply(self) -> Reply {
        match self {
            Ok(reply) => reply.into_reply(),
            Err(error) => error.into_failure().into(),
        }
    }

    fn write(self, pen: &Pen<'_>) -> Reply {
        match self {
            Ok(reply) => reply.write(pen),
            Err(error) => error.into_failure().into(),
        }
    }
}

/// Nobody waits for an answer: the session has ended, or the client sent an event and not a request. Nothing needs to
/// be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("nobody waits for the answer")]
pub struct Gone;

/// Takes the one answer to a request back to its client.
pub(crate) type Answer = Box<dyn FnOnce(Result<Value, Failure>) -> Result<(), Gone> + Send>;

/// Takes answers back to a client whose requests are told apart by a slot, and perhaps by their place in its outbox.
pub(crate) trait Answerer: Send + Sync {
    fn answer(self: Arc<Self>, slot: &Value, item: Option<&Taken>, reply: Reply) -> Result<(), Gone>;
}

/// Who waits for an answer.
enum Asker {
    Slot(Arc<dyn Answerer>, Value, Option<Arc<Taken>>),
    Once(Answer),
}

impl Asker {
    fn answer(self, reply: Reply) -> Result<(), Gone> {
        match self {
            Self::Slot(answerer, slot, item) => answerer.answer(&slot, item.as_deref(), reply),
            Self::Once(answer) => reply.into_result().map_or(Ok(()), answer),
        }
    }
}

/// Whether an event is a request, and who answers it.
#[derive(Debug)]
pub(crate) enum Asked {
    Not,
    /// The session that it came in. Most requests are such, and take no memory of their own.
    InSlot(Value),
    By(Box<Responder>),
}

impl Asked {
    /// What is answered in a slot, unless the slot says that it is not.
    pub(crate) fn in_slot(slot: Value) -> Self {
        if matches!(slot, Value::Nil | Value::Boolean(false)) { Self::Not } else { Self::InSlot(slot) }
    }
}

/// Answers a request, perhaps long after the handler has returned, and once: answering uses it up.
///
/// A handler that takes one returns [`NoReply`]. Dropped unanswered, it tells the client `failed` and the log that a
/// request was forgotten.
///
/// ```
/// use tsugi::{NoReply, Responder};
///
/// async fn later(responder: Responder) -> NoReply {
///     tokio::spawn(async move {
///         let _ = responder.reply(tsugi::Value::Integer(42));
///     });
///     NoReply
/// }
/// # let _ = tsugi::Router::<()>::new().on("deep/thought", later);
/// ```
pub struct Responder {
    id: EventId,
    asker: Option<Asker>,
}

impl Responder {
    /// Answers the request `id` through `answer`.
    pub(crate) fn new(id: EventId, answer: Answer) -> Self {
        Self { id, asker: Some(Asker::Once(answer)) }
    }

    /// Answers the request `id`, which came in `slot`, perhaps as an item of an outbox.
    pub(crate) fn in_slot(id: EventId, answerer: Arc<dyn Answerer>, slot: Value, item: Option<Arc<Taken>>) -> Self {
        Self { id, asker: Some(Asker::Slot(answerer, slot, item)) }
    }

    /// For an event that is not a request.
    pub(crate) fn unasked(id: EventId) -> Self {
        Self { id, asker: None }
    }

    /// Whether the client asked for an answer.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.asker.is_some()
    }

    /// Answers with whatever a handler could have returned. [`NoReply`] gives the right to answer up.
    ///
    /// # Errors
    /// [`Gone`], when nobody waits any more.
    pub fn reply(mut self, reply: impl IntoReply) -> Result<(), Gone> {
        let asker = self.asker.take().ok_or(Gone)?;
        asker.answer(reply.into_reply())
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(asker) = self.asker.take()
            && asker.answer(Failure::internal().into()).is_ok()
            && !std::thread::panicking()
        {
            tracing::warn!(event = %self.id, "a request was left unanswered: its Responder was dropped");
        }
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("event", &self.id).field("asked", &self.is_asked()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    fn responder() -> (Responder, Receiver<Result<Value, Failure>>) {
        let (sender, answers) = channel();
        let answer = Box::new(move |answer| sender.send(answer).map_err(|_| Gone));
        (Responder::new(EventId::new("a/b").unwrap(), answer), answers)
    }

    #[test]
    fn a_responder_answers_once() {
        let (responder, answers) = responder();
        assert_eq!(responder.reply(Value::Integer(1)), Ok(()));
        assert_eq!(answers.iter().collect::<Vec<_>>(), [Ok(Value::Integer(1))]);
    }

    #[test]
    fn a_forgotten_responder_settles_the_request() {
        let (responder, answers) = responder();
        drop(responder);
        assert_eq!(answers.recv().unwrap().unwrap_err().code, Failure::FAILED);
        assert!(answers.recv().is_err());
    }

    #[test]
    fn giving_the_answer_up_is_not_forgetting_it() {
        let (responder, answers) = responder();
        assert_eq!(responder.reply(NoReply), Ok(()));
        assert!(answers.recv().is_err());
    }

    #[test]
    fn nobody_to_answer_is_said() {
        let (responder, answers) = responder();
        drop(answers);
        assert_eq!(responder.reply(()), Err(Gone));
        let unasked = Responder::unasked(EventId::new("a/b").unwrap());
        assert!(!unasked.is_asked());
        assert_eq!(unasked.reply(()), Err(Gone));
    }

    #[test]
    fn a_failure_has_the_form_of_the_wire() {
        let failure = Failure::new("muted", "hush").with_data(Value::Integer(5));
        let Value::Vector(elements) = failure.to_value() else { panic!("a vector") };
        let [Value::Keyword(tag), Value::Map(fields)] = &elements[..] else { panic!("a tag and a map") };
        assert_eq!(&**tag, "chsk/error");
        let text: Vec<_> = fields.iter().map(|(key, value)| format!("{key:?} {value:?}")).collect();
        assert_eq!(
            text,
            [
                r#"Keyword("code") String("muted")"#,
                r#"Keyword("message") String("hush")"#,
                r#"Keyword("data") Integer(5)"#
            ]
        );
    }

    #[test]
    fn an_error_without_a_form_tells_the_client_nothing_of_itself() {
        let failed = Failed::from("the password of the database is hunter2");
        let failure = failed.into_failure();
        assert_eq!(failure.code, Failure::FAILED);
        assert!(!failure.to_string().contains("hunter2"));
    }
}
