//! What the server says unasked.

use crate::platform::{Handler, MaybeSend, MaybeSync};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tsugi_proto::connection::Gap;
use tsugi_proto::value::from_value;
use tsugi_proto::{Event, EventId, Value};

/// One thing in a stream of events.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// An event of the server.
    Event(Event),
    /// What the server sent, or would have, and this client will not get: show afresh what may have changed.
    Gap(Gap),
    /// The server sent this in an event's place. Worth a line in the log.
    BadEvent(Value),
    /// This stream was read too slowly: so many notices before the next one are lost to it, see
    /// [`max_events`](crate::ClientBuilder::max_events). Handlers had them all.
    Missed(u64),
}

/// A stream of what the server says, from when it was asked for. It ends when the last [`Client`](crate::Client) is dropped, which
/// it does not keep alive.
///
/// ```no_run
/// # async fn run(client: tsugi_client::Client) {
/// use tsugi_client::Notice;
/// let mut events = client.events();
/// while let Some(notice) = events.next().await {
///     if let Notice::Event(event) = notice {
///         println!("{} {:?}", event.id, event.data);
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Events(pub(crate) broadcast::Receiver<Notice>);

impl Events {
    /// The next one; `None` at the end. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(notice) => Some(notice),
            Err(RecvError::Lagged(count)) => Some(Notice::Missed(count)),
            Err(RecvError::Closed) => None,
        }
    }
}

type Table = HashMap<EventId, Vec<(u64, Handler)>>;

/// The handlers of a client. The lock is held to look one up, never while one runs: a handler may add and remove others.
#[derive(Default)]
pub(crate) struct Handlers(parking_lot::Mutex<(u64, Table)>);

impl Handlers {
    pub(crate) fn add<T, F>(self: &Arc<Self>, id: EventId, handler: F) -> Registration
    where
        T: DeserializeOwned,
        F: Fn(T) + MaybeSend + MaybeSync + 'static,
    {
        let handler: Handler = Arc::new(move |data| from_value(data.clone()).map(&handler).is_ok());
        let mut table = self.0.lock();
        table.0 += 1;
        let number = table.0;
        table.1.entry(id.clone()).or_default().push((number, handler));
        Registration { handlers: Arc::downgrade(self), id, number }
    }

    /// Calls every handler of an event. One that panics stays, and stops neither the others nor the client.
    pub(crate) fn call(&self, event: &Event) {
        let handlers = self.0.lock().1.get(&event.id).cloned().unwrap_or_default();
        let nil = Value::Nil;
        let data = event.data.as_ref().unwrap_or(&nil);
        for (_, handler) in handlers {
            match catch_unwind(AssertUnwindSafe(|| handler(data))) {
                Ok(true) => {}
                Ok(false) => tracing::warn!(id = %event.id, "a handler wants other data than the server sent"),
                Err(_) => tracing::error!(id = %event.id, "a handler panicked"),
            }
        }
    }
}

/// A handler that was set with [`Client::on`](crate::Client::on). It stays when this is dropped.
#[derive(Clone)]
pub struct Registration {
    handlers: Weak<Handlers>,
    id: EventId,
    number: u64,
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Registration").field(&self.id).finish()
    }
}

impl Registration {
    /// Takes the handler away.
    pub fn off(self) {
        let Some(handlers) = self.handlers.upgrade() else { return };
        let mut table = handlers.0.lock();
        if let Some(of_event) = table.1.get_mut(&self.id) {
            of_event.retain(|(number, _)| *number != self.number);
            if of_event.is_empty() {
                table.1.remove(&self.id);
            }
        }
    }
}
