//! What handlers can ask for: each argument of a handler is read from the event by its type.

use crate::handle::Server;
use crate::handler::{Call, Payload};
use crate::identity::{Client, UserId};
use crate::reply::{Failure, IntoFailure, IntoReply, Pen, Reply, Responder, Written};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::future::Future;
use tsugi_proto::value::{from_value, to_value};
use tsugi_proto::{EventId, Value, codec};

/// A type that a handler can take as an argument.
///
/// Implement it for what your handlers ask for again and again: it may await, and what it refuses with becomes the
/// reply. Arguments are read from left to right, and the first that refuses ends it.
///
/// ```
/// use tsugi::{Call, Failure, FromCall, Router, User};
///
/// struct Admin;
///
/// impl<S: Send + Sync> FromCall<S> for Admin {
///     type Rejection = Failure;
///
///     async fn from_call(call: &mut Call, state: &S) -> Result<Self, Failure> {
///         let User(user) = User::from_call(call, state).await?;
///         if user.as_str() == "root" { Ok(Self) } else { Err(Failure::new("forbidden", "for administrators only")) }
///     }
/// }
///
/// let router = Router::<()>::new().on("site/stop", async |_: Admin| ());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from an event with the state `{S}`",
    label = "not an extractor",
    note = "arguments are `User`, `Client`, `Attempt`, `Data<T>`, `Raw`, `EventId`, `State<T>`, `Extension<T>`, `Server`, \
            `Responder`, or an `Option` or `Result` of one of these",
    note = "`State<T>` needs a router with a state that gives a `T`: `Router::new().on(…).with_state(state)`"
)]
pub trait FromCall<S>: Sized {
    /// What the client is told when there is no such thing in the event.
    type Rejection: IntoFailure + Send;

    /// Reads the argument.
    ///
    /// # Errors
    /// When the event does not have it; the handler is not run then.
    fn from_call(call: &mut Call, state: &S) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;
}

/// A type that a handler can take as an `Option`: nothing when the event does not have it, and still a refusal when
/// what it has is wrong.
pub trait OptionalFromCall<S>: Sized {
    /// What the client is told when what is there is wrong.
    type Rejection: IntoFailure + Send;

    /// Reads the argument, if it is there.
    ///
    /// # Errors
    /// When it is there and wrong; the handler is not run then.
    fn from_call(call: &mut Call, state: &S) -> impl Future<Output = Result<Option<Self>, Self::Rejection>> + Send;
}

/// Nothing instead of a refusal, when the event does not have it.
///
/// ```
/// use tsugi::{Data, Router, User};
///
/// async fn greet(user: Option<User>) -> Data<String> {
///     Data(user.map_or("hello, stranger".to_owned(), |User(id)| format!("hello, {id}")))
/// }
/// # let _ = Router::<()>::new().on("site/greet", greet);
/// ```
impl<S: Sync, T: OptionalFromCall<S>> FromCall<S> for Option<T> {
    type Rejection = T::Rejection;

    fn from_call(call: &mut Call, state: &S) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        T::from_call(call, state)
    }
}

/// The refusal itself, for a handler that wants to deal with it.
///
/// ```
/// use tsugi::{Data, Failure, Router};
///
/// async fn lenient(number: Result<Data<i64>, Failure>) -> Data<i64> {
///     number.unwrap_or(Data(0))
/// }
/// # let _ = Router::<()>::new().on("number/read", lenient);
/// ```
impl<S: Sync, T: FromCall<S>> FromCall<S> for Result<T, T::Rejection> {
    type Rejection = Infallible;

    async fn from_call(call: &mut Call, state: &S) -> Result<Self, Infallible> {
        Ok(T::from_call(call, state).await)
    }
}

/// The user. Refuses anonymous clients with the code `anonymous`; an `Option<User>` takes them.
///
/// ```
/// use tsugi::{Data, Router, User};
///
/// let router = Router::<()>::new().on("user/name", async |User(user): User| Data(user.to_string()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(pub UserId);

/// Which attempt at an event this is. A server handles each event of a client's outbox once while it runs; when it was
/// started again in between, the client sends again whatever it has no answer to. A handler that must not do things twice
/// remembers the key, best in the same transaction as what it does.
///
/// ```
/// use tsugi::{Attempt, Data, Router};
///
/// async fn pay(attempt: Attempt, Data(cents): Data<i64>) {
///     if attempt.may_be_repeated() { /* look the key up before paying */ }
///     let _ = (attempt.key(), cents);
/// }
/// # let _ = Router::<()>::new().on("money/pay", pay);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    key: Option<Box<str>>,
    again: bool,
}

impl Attempt {
    /// The same text for every attempt at this event, and for no other event: 40 digits, and no secret. `None` for clients
    /// that do not number what they send, such as Sente's.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Whether an earlier run of the server may have handled it. `false` says for sure that none has.
    #[must_use]
    pub fn may_be_repeated(&self) -> bool {
        self.again
    }
}

impl<S: Sync> FromCall<S> for Attempt {
    type Rejection = Infallible;

    async fn from_call(call: &mut Call, _: &S) -> Result<Self, Infallible> {
        let item = call.item.as_ref();
        Ok(Self { key: item.map(|item| item.key()), again: item.is_some_and(|item| item.is_again()) })
    }
}

impl<S: Sync> FromCall<S> for User {
    type Rejection = Failure;

    async fn from_call(call: &mut Call, _: &S) -> Result<Self, Failure> {
        let user = call.context().user.clone().map(Self);
        user.ok_or_else(|| Failure::new(Failure::ANONYMOUS, "this is for known users only"))
    }
}

impl<S: Sync> OptionalFromCall<S> for User {
    type Rejection = Infallible;

    async fn from_call(call: &mut Call, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(call.context().user.clone().map(Self))
    }
}

/// The client that sent the event, as an address to push to and to subscribe.
///
/// ```
/// use tsugi::{Client, Data, Failed, Router, Server, Topic};
///
/// async fn join(client: Client, Data(room): Data<String>, server: Server) -> Result<(), Failed> {
///     server.subscribe(&client, &Topic::new(room)?).await?;
///     Ok(())
/// }
/// # let _ = Router::<()>::new().on("room/join", join);
/// ```
impl<S: Sync> FromCall<S> for Client {
    type Rejection = Infallible;

    async fn from_call(call: &mut Call, _: &S) -> Result<Self, Infallible> {
        Ok(call.context().client())
    }
}

/// The data, as a type of the application: read straight from what was sent when it is an argument, and written as the
/// reply when it is returned.
///
/// Absent data reads as nil. Data that does not fit is refused with the code `bad-data`, and the client is told where
/// it does not. As an `Option<Data<T>>` it is `None` only when the event has no data.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tsugi::{Data, Router};
///
/// #[derive(Deserialize)]
/// struct Add { a: i64, b: i64 }
///
/// #[derive(Serialize)]
/// struct Sum { sum: i64 }
///
/// async fn add(Data(Add { a, b }): Data<Add>) -> Data<Sum> {
///     Data(Sum { sum: a + b })
/// }
/// # let _ = Router::<()>::new().on("math/add", add);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Data<T>(pub T);

impl<T: DeserializeOwned> Data<T> {
    fn read(call: &Call) -> Result<Self, Failure> {
        let read = match &call.payload {
            Payload::Encoded(data) => {
                codec::deserialize(call.caller.codec(), data.as_ref()).map_err(|error| error.to_string())
            }
            Payload::Made(value) => from_value(value.clone()).map_err(|error| error.to_string()),
        };
        read.map(Self).map_err(|why| Failure::new(Failure::BAD_DATA, why))
    }
}

impl<T> Data<T> {
    fn formless(error: &dyn std::error::Error) -> Reply {
        let reply = std::any::type_name::<T>();
        tracing::error!(%error, reply, "a handler's reply has no form on the wire");
        Failure::internal().into()
    }
}

impl<S: Sync, T: DeserializeOwned + Send> FromCall<S> for Data<T> {
    type Rejection = Failure;

    async fn from_call(call: &mut Call, _: &S) -> Result<Self, Failure> {
        Self::read(call)
    }
}

impl<S: Sync, T: DeserializeOwned + Send> OptionalFromCall<S> for Data<T> {
    type Rejection = Failure;

    async fn from_call(call: &mut Call, _: &S) -> Result<Option<Self>, Failure> {
        if call.has_data() { Self::read(call).map(Some) } else { Ok(None) }
    }
}

impl<T: Serialize> IntoReply for Data<T> {
    fn into_reply(self) -> Reply {
        to_value(&self.0).map_or_else(|error| Self::formless(&error), Reply::Value)
    }

    fn write(self, pen: &Pen<'_>) -> Reply {
        let written = codec::frame_of(pen.codec, &self.0, pen.slot);
        written.map_or_else(|error| Self::formless(&error), |frame| Reply::Written(Written(frame)))
    }
}

/// The data as it is, whatever it is; nil when there is none.
///
/// ```
/// use tsugi::{Raw, Router, Value};
///
/// let router = Router::<()>::new().on("test/echo", async |Raw(value): Raw| value);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Raw(pub Value);

impl<S: Sync> FromCall<S> for Raw {
    type Rejection = Failure;

    async fn from_call(call: &mut Call, _: &S) -> Result<Self, Failure> {
        match &call.payload {
            Payload::Made(value) => Ok(Self(value.clone())),
            Payload::Encoded(_) => Data::read(call).map(|Data(value)| Self(value)),
        }
    }
}

/// The event's name; for fallbacks, and for handlers with more than one route.
///
/// ```
/// use tsugi::{Data, EventId, Router};
///
/// let router = Router::<()>::new().fallback(async |id: EventId| Data(format!("there is no {id}")));
/// ```
impl<S: Sync> FromCall<S> for EventId {
    type Rejection = Infallible;

    async fn from_call(call: &mut Call, _: &S) -> Result<Self, Infallible> {
        Ok(call.id.clone())
    }
}

/// What the router was given by `with_state`, or a part of it by [`FromRef`].
///
/// ```
/// use tsugi::{Data, Router, State};
///
/// #[derive(Clone)]
/// struct App { name: &'static str }
///
/// async fn name(State(app): State<App>) -> Data<&'static str> {
///     Data(app.name)
/// }
///
/// let router: Router = Router::new().on("app/name", name).with_state(App { name: "chat" });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State<T>(pub T);

/// A part that can be had from a whole: a router's state gives each handler what it asks for.
///
/// ```
/// use tsugi::{Data, FromRef, Router, State};
///
/// #[derive(Clone)]
/// struct App { limit: usize }
///
/// #[derive(Clone)]
/// struct Limit(usize);
///
/// impl FromRef<App> for Limit {
///     fn from_ref(app: &App) -> Self {
///         Self(app.limit)
///     }
/// }
///
/// let router: Router =
///     Router::new().on("app/limit", async |State(Limit(n)): State<Limit>| Data(n)).with_state(App { limit: 5 });
/// ```
pub trait FromRef<T> {
    /// The part.
    fn from_ref(whole: &T) -> Self;
}

impl<T: Clone> FromRef<T> for T {
    fn from_ref(whole: &T) -> Self {
        whole.clone()
    }
}

impl<S: Sync, T: FromRef<S>> FromCall<S> for State<T> {
    type Rejection = Infallible;

    async fn from_call(_: &mut Call, state: &S) -> Result<Self, Infallible> {
        Ok(Self(T::from_ref(state)))
    }
}

/// What the identity brought with it: see [`Identity::with`](crate::Identity::with). That it is missing is a mistake
/// of the server's: the client is told `failed`, the log the type.
///
/// ```
/// use tsugi::{Data, Extension, Router};
///
/// #[derive(Clone)]
/// struct Locale(String);
///
/// let router =
///     Router::<()>::new().on("site/locale", async |Extension(Locale(locale)): Extension<Locale>| Data(locale));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extension<T>(pub T);

impl<S: Sync, T: Clone + Send + Sync + 'static> FromCall<S> for Extension<T> {
    type Rejection = Failure;

    async fn from_call(call: &mut Call, _: &S) -> Result<Self, Failure> {
        let extension = call.context().extensions.get().cloned().map(Self);
        extension.ok_or_else(|| {
            let wanted = std::any::type_name::<T>();
            tracing::error!(event = %call.id, wanted, "the identity has no such extension; add it with Identity::with");
            Failure::internal()
        })
    }
}

impl<S: Sync, T: Clone + Send + Sync + 'static> OptionalFromCall<S> for Extension<T> {
    type Rejection = Infallible;

    async fn from_call(call: &mut Call, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(call.context().extensions.get().cloned().map(Self))
    }
}

/// The server, to push and to look around with.
impl<S: Sync> FromCall<S> for Server {
    type Rejection = Infallible;

    async fn from_call(call: &mut Call, _: &S) -> Result<Self, Infallible> {
        Ok(call.context().server.clone())
    }
}

/// The right to answer, for later. For an event that is not a request it answers nobody; `Option<Responder>` tells
/// the two apart. Only the first in an argument list can have it.
impl<S: Sync> FromCall<S> for Responder {
    type Rejection = Infallible;

    async fn from_call(call: &mut Call, _: &S) -> Result<Self, Infallible> {
        Ok(call.take_responder().unwrap_or_else(|| Responder::unasked(call.id.clone())))
    }
}

impl<S: Sync> OptionalFromCall<S> for Responder {
    type Rejection = Infallible;

    async fn from_call(call: &mut Call, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(call.take_responder())
    }
}
