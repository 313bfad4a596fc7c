//! Async functions that handle events.

use crate::extract::FromCall;
use crate::future::BoxFuture;
use crate::handle::Server;
use crate::identity::{Client, ClientId, SessionId, UserId};
use crate::outbox::Taken;
use crate::reply::{Answerer, Asked, IntoFailure, IntoReply, Pen, Reply, Responder};
use http::Extensions;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::Arc;
use tsugi_proto::{Codec, Encoded, EventId, Value};

/// What all events of a session have in common.
#[derive(Clone, Debug)]
pub struct Context {
    /// The user, if there is one.
    pub user: Option<UserId>,
    /// What the client calls itself.
    pub client: ClientId,
    /// The session.
    pub session: SessionId,
    /// What the identity brought with it.
    pub extensions: Arc<Extensions>,
    /// The server.
    pub server: Server,
}

impl Context {
    /// The address of the client.
    #[must_use]
    pub fn client(&self) -> Client {
        Client { user: self.user.clone(), id: self.client.clone() }
    }
}

/// Whose events are called: what they share, so that an event takes hold of one thing only.
pub(crate) trait Caller: Answerer {
    fn context(&self) -> &Context;
    /// What the data of its events is written in.
    fn codec(&self) -> &dyn Codec;
    /// Whether a reply is a frame as the codec writes it.
    fn is_plain(&self) -> bool;
}

/// One event on its way to a handler; what extractors read.
pub struct Call {
    pub(crate) caller: Arc<dyn Caller>,
    pub(crate) id: EventId,
    pub(crate) payload: Payload,
    pub(crate) asked: Asked,
    /// The item of the client's outbox that it is. Handled once this is dropped.
    pub(crate) item: Option<Arc<Taken>>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut call = f.debug_struct("Call");
        call.field("id", &self.id).field("payload", &self.payload).field("asked", &self.asked);
        call.field("item", &self.item).finish_non_exhaustive()
    }
}

/// The data of an event.
#[derive(Debug)]
pub(crate) enum Payload {
    /// As a client sent it, checked but not decoded.
    Encoded(Option<Encoded>),
    /// As the server made it: a life-cycle event, which finds its own route only.
    Made(Value),
}

impl Call {
    /// The event's name.
    #[must_use]
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// Who sent it.
    #[must_use]
    pub fn context(&self) -> &Context {
        self.caller.context()
    }

    /// Whether the event has data at all.
    #[must_use]
    pub fn has_data(&self) -> bool {
        !matches!(self.payload, Payload::Encoded(None))
    }

    /// Whether the client asked for an answer and nothing has taken the right to give it.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        !matches!(self.asked, Asked::Not)
    }

    /// What a handler returned, as the reply.
    fn reply(&self, returned: impl IntoReply) -> Reply {
        match &self.asked {
            Asked::InSlot(slot) if self.caller.is_plain() => returned.write(&Pen { codec: self.caller.codec(), slot }),
            _ => returned.into_reply(),
        }
    }

    /// Tells whoever asked. They may be gone by now, and then there is nobody to tell.
    pub(crate) fn answer(self, reply: Reply) {
        match (self.asked, reply) {
            (Asked::InSlot(slot), reply) => drop(self.caller.answer(&slot, self.item.as_deref(), reply)),
            (Asked::By(responder), reply) => drop(responder.reply(reply)),
            (Asked::Not, Reply::Failure(failure)) => {
                tracing::debug!(event = %self.id, %failure, "an event was not handled");
            }
            (Asked::Not, Reply::Value(_) | Reply::Written(_) | Reply::None) => {}
        }
    }

    /// The right to answer, if nothing has taken it.
    pub(crate) fn take_responder(&mut self) -> Option<Responder> {
        match std::mem::replace(&mut self.asked, Asked::Not) {
            Asked::Not => None,
            Asked::InSlot(slot) => {
                let caller = Arc::clone(&self.caller);
                Some(Responder::in_slot(self.id.clone(), caller, slot, self.item.clone()))
            }
            Asked::By(responder) => Some(*responder),
        }
    }
}

/// How many events of one client, for one route, are handled at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// One after another, and in order with everything else the client sends. The default.
    #[default]
    InOrder,
    /// They start in order, and the client's next event does not wait for them unless so many are running.
    AtMost(NonZeroUsize),
}

/// An async function that handles events: up to eight extractors in, an [`IntoReply`] out.
///
/// It is implemented for functions and closures; there is nothing to implement. `T` and `S` are the types of the
/// arguments and of the router's state, and are inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler",
    note = "a handler is an `async fn` of at most 8 arguments that each implement `FromCall<S>`",
    note = "it returns `()`, `Data<T>`, `Value`, `NoReply`, or a `Result` of one of these and an `impl IntoFailure`",
    note = "its future is `Send`, and `State<T>` is there only when the router's state gives a `T` (`FromRef`)"
)]
pub trait Handler<T, S>: Send + Sync + Sized + 'static {
    /// Handles one event.
    fn call<'c>(&'c self, call: &'c mut Call, state: &'c S) -> BoxFuture<'c, Reply>;

    /// How many of one client's events run at once.
    fn concurrency(&self) -> Concurrency {
        Concurrency::InOrder
    }

    /// Lets up to `most` events of one client be handled at the same time, and the client's other events pass them.
    /// Zero counts as one. Without this, a client's events are handled one by one, in the order they were sent.
    fn concurrent(self, most: usize) -> Concurrent<Self, T, S> {
        let most = NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        Concurrent { handler: self, most, types: PhantomData }
    }
}

/// A handler that runs several events of one client at once; see [`Handler::concurrent`].
pub struct Concurrent<H, T, S> {
    handler: H,
    most: NonZeroUsize,
    types: PhantomData<fn() -> (T, S)>,
}

impl<H, T, S> fmt::Debug for Concurrent<H, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Concurrent").field("most", &self.most).finish_non_exhaustive()
    }
}

impl<H, T, S> Handler<T, S> for Concurrent<H, T, S>
where
    H: Handler<T, S>,
    T: 'static,
    S: 'static,
{
    fn call<'c>(&'c self, call: &'c mut Call, state: &'c S) -> BoxFuture<'c, Reply> {
        self.handler.call(call, state)
    }

    fn concurrency(&self) -> Concurrency {
        Concurrency::AtMost(self.most)
    }
}

macro_rules! handler {
    ($($extractor:ident)*) => {
        impl<F, Fut, R, S, $($extractor,)*> Handler<($($extractor,)*), S> for F
        where
            F: Fn($($extractor,)*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send,
            R: IntoReply,
            S: Send + Sync + 'static,
            $($extractor: FromCall<S> + Send,)*
        {
            #[allow(non_snake_case, unused_variables, reason = "a macro names its values after their types")]
            fn call<'c>(&'c self, call: &'c mut Call, state: &'c S) -> BoxFuture<'c, Reply> {
                Box::pin(async move {
                    $(
                        let $extractor = match $extractor::from_call(call, state).await {
                            Ok(value) => value,
                            Err(rejection) => return rejection.into_failure().into(),
                        };
                    )*
                    let returned = self($($extractor,)*).await;
                    call.reply(returned)
                })
            }
        }
    };
}

handler!();
handler!(T1);
handler!(T1 T2);
handler!(T1 T2 T3);
handler!(T1 T2 T3 T4);
handler!(T1 T2 T3 T4 T5);
handler!(T1 T2 T3 T4 T5 T6);
handler!(T1 T2 T3 T4 T5 T6 T7);
handler!(T1 T2 T3 T4 T5 T6 T7 T8);
