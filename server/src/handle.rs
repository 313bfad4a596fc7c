//! The handle that applications and handlers hold: what can be asked of a server from anywhere.
//!
//! It stands below the router and the hub and knows neither, so that a handler can hold it without a circle.

use crate::broker::{BrokerError, Command, Delivery, Envelope, Flush, Target};
use crate::event::IntoEvent;
use crate::future::BoxFuture;
use crate::topics::{SubscribeError, Topic};
use crate::users::Users;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tsugi_proto::close::CloseError;
use tsugi_proto::event::EventError;
use tsugi_proto::{Close, CloseCode, EventId, Utf8Bytes};

/// What a running server does for its handles.
pub(crate) trait Commands: Any + Send + Sync {
    /// Hands an envelope to the broker.
    fn publish(&self, envelope: Envelope) -> BoxFuture<'_, Result<Delivery, BrokerError>>;

    /// Subscribes the sessions of `who` on this node. When one is refused, those before it stay subscribed.
    fn subscribe(&self, who: Target, topic: Topic) -> BoxFuture<'_, Result<Delivery, SubscribeError>>;

    /// Unsubscribes the sessions of `who` on this node.
    fn unsubscribe(&self, who: Target, topic: Topic) -> BoxFuture<'_, Delivery>;

    /// Who is online.
    fn users(&self) -> &Users;

    /// Refuses what is new, flushes, closes and joins, within `grace`.
    fn shutdown(&self, grace: Duration) -> BoxFuture<'_, ()>;
}

/// A running server: push, publish, close, look who is online. Cheap to clone; every clone is the same server.
///
/// Nothing here waits for a client. A client that reads too slowly loses its connection, by name and by itself.
///
/// In a handler, take it as an argument:
///
/// ```
/// use tsugi::{Data, Event, Server, User};
///
/// async fn say(User(user): User, Data(text): Data<String>, server: Server) {
///     let said = Event::new("chat/said", &(user.as_str(), text));
///     if let Err(error) = server.broadcast(said).await {
///         eprintln!("nobody heard it: {error}");
///     }
/// }
/// # let _ = tsugi::Router::<()>::new().on("chat/say", say);
/// ```
#[derive(Clone)]
pub struct Server(Arc<dyn Commands>);

/// Why nothing was pushed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PushError {
    /// The event could not be made: a mistake of the caller.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The id is in the namespace `chsk`, which belongs to the protocol: a mistake of the caller.
    #[error("the event {0} is reserved: choose another namespace than chsk")]
    Reserved(EventId),
    /// The broker failed; try again, or go on without.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Why nobody's connection was closed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KickError {
    /// The code or the reason has no place in a close frame: a mistake of the caller.
    #[error(transparent)]
    Close(#[from] CloseError),
    /// The broker failed; try again.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

impl Server {
    pub(crate) fn new(commands: Arc<dyn Commands>) -> Self {
        Self(commands)
    }

    /// What the handle stands for, for the module that knows its type.
    pub(crate) fn downcast<T: Commands>(&self) -> Option<Arc<T>> {
        let any: Arc<dyn Any + Send + Sync> = self.0.clone();
        any.downcast().ok()
    }

    /// Sends an event to every device of a user (`&UserId`), to one client (`&Client`), or to any other [`Target`].
    /// It may wait for the batch window of each session.
    ///
    /// # Errors
    /// When the event is malformed or the broker failed. That nobody is there is not an error: the
    /// [`Delivery`] says 0.
    pub async fn push(
        &self,
        to: impl Into<Target> + Send,
        event: impl IntoEvent + Send,
    ) -> Result<Delivery, PushError> {
        self.send(to.into(), event, Flush::Window).await
    }

    /// As [`Server::push`], but at once: what waited in the batch window of a session leaves together with it. For
    /// everyone, or the subscribers of a topic, say `Target::Everyone` or `&topic`.
    ///
    /// # Errors
    /// As for [`Server::push`].
    pub async fn push_now(
        &self,
        to: impl Into<Target> + Send,
        event: impl IntoEvent + Send,
    ) -> Result<Delivery, PushError> {
        self.send(to.into(), event, Flush::Now).await
    }

    /// Sends an event to every client without a user.
    ///
    /// # Errors
    /// As for [`Server::push`].
    pub async fn push_anonymous(&self, event: impl IntoEvent + Send) -> Result<Delivery, PushError> {
        self.send(Target::Anonymous, event, Flush::Window).await
    }

    /// Sends an event to every client.
    ///
    /// # Errors
    /// As for [`Server::push`].
    pub async fn broadcast(&self, event: impl IntoEvent + Send) -> Result<Delivery, PushError> {
        self.send(Target::Everyone, event, Flush::Window).await
    }

    /// Sends an event to every client that is subscribed to a topic.
    ///
    /// # Errors
    /// As for [`Server::push`].
    pub async fn publish(&self, topic: &Topic, event: impl IntoEvent + Send) -> Result<Delivery, PushError> {
        self.send(Target::Topic(topic.clone()), event, Flush::Window).await
    }

    /// Ends the sessions of a user, of one client, or of any other [`Target`]. The code's range tells the clients
    /// whether to come back: see [`CloseCode`]. The reason is for people, at most 123 bytes.
    ///
    /// # Errors
    /// When the code may not be sent, the reason does not fit, or the broker failed.
    pub async fn close(
        &self,
        whom: impl Into<Target> + Send,
        code: CloseCode,
        reason: impl Into<Utf8Bytes> + Send,
    ) -> Result<Delivery, KickError> {
        let code = CloseCode::new(code.get())?;
        let command = Command::Close(Close::new(code, reason)?);
        Ok(self.0.publish(Envelope::new(whom.into(), command)).await?)
    }

    /// Subscribes a client (`&Client`), or every client a user has now (`&UserId`), to a topic. A client that is
    /// subscribed already still gets one copy. A subscription ends with its session: a client that comes back with a
    /// new one asks again.
    ///
    /// It holds for sessions on this node.
    ///
    /// # Errors
    /// When a limit on topics is reached; see [`SubscribeError`].
    pub async fn subscribe(&self, who: impl Into<Target> + Send, topic: &Topic) -> Result<Delivery, SubscribeError> {
        self.0.subscribe(who.into(), topic.clone()).await
    }

    /// Undoes [`Server::subscribe`].
    pub async fn unsubscribe(&self, who: impl Into<Target> + Send, topic: &Topic) -> Delivery {
        self.0.unsubscribe(who.into(), topic.clone()).await
    }

    /// Who is online.
    #[must_use]
    pub fn users(&self) -> &Users {
        self.0.users()
    }

    /// Refuses new connections, sends what is queued, closes every session in batches and waits for handlers, for at
    /// most `grace`. Do this before you shut the web server down: it waits for held polls.
    pub async fn shutdown(&self, grace: Duration) {
        self.0.shutdown(grace).await;
    }

    async fn send(&self, to: Target, event: impl IntoEvent + Send, flush: Flush) -> Result<Delivery, PushError> {
        let durability = event.durability();
        let event = event.into_event()?;
        if event.id.is_reserved() {
            return Err(PushError::Reserved(event.id));
        }
        Ok(self.0.publish(Envelope::new(to, Command::Push(event, flush, durability))).await?)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("users", self.users()).finish_non_exhaustive()
    }
}
