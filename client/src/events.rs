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

/// What a handler wants to hear of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Topic {
    Event(EventId),
    Gap,
}

type Table = HashMap<Topic, Vec<(u64, Handler<Notice>)>>;

/// The handlers of a client. The lock is held to look one up, never while one runs: a handler may add and remove others.
#[derive(Default)]
pub(crate) struct Handlers(parking_lot::Mutex<(u64, Table)>);

impl Handlers {
    pub(crate) fn on<T, F>(self: &Arc<Self>, id: EventId, handler: F) -> Registration
    where
        T: DeserializeOwned,
        F: Fn(T) + MaybeSend + MaybeSync + 'static,
    {
        self.add(Topic::Event(id), move |notice| {
            let Notice::Event(event) = notice else { return true };
            from_value(event.data.clone().unwrap_or_default()).map(&handler).is_ok()
        })
    }

    pub(crate) fn on_gap<F: Fn(Gap) + MaybeSend + MaybeSync + 'static>(self: &Arc<Self>, handler: F) -> Registration {
        self.add(Topic::Gap, move |notice| {
            if let Notice::Gap(gap) = notice {
                handler(*gap);
            }
            true
        })
    }

    fn add(
        self: &Arc<Self>,
        topic: Topic,
        handler: impl Fn(&Notice) -> bool + MaybeSend + MaybeSync + 'static,
    ) -> Registration {
        let mut table = self.0.lock();
        table.0 += 1;
        let number = table.0;
        table.1.entry(topic.clone()).or_default().push((number, Arc::new(handler)));
        Registration { handlers: Arc::downgrade(self), topic, number }
    }

    /// Calls every handler that wants to hear of this. One that panics stays, and stops neither the others nor the client.
    pub(crate) fn call(&self, notice: &Notice) {
        let topic = match notice {
            Notice::Event(event) => Topic::Event(event.id.clone()),
            Notice::Gap(_) => Topic::Gap,
            Notice::BadEvent(_) | Notice::Missed(_) => return,
        };
        let handlers = self.0.lock().1.get(&topic).cloned().unwrap_or_default();
        for (_, handler) in handlers {
            match catch_unwind(AssertUnwindSafe(|| handler(notice))) {
                Ok(true) => {}
                Ok(false) => tracing::warn!(?topic, "a handler wants other data than the server sent"),
                Err(_) => tracing::error!(?topic, "a handler panicked"),
            }
        }
    }
}

/// A handler that was set with [`Client::on`](crate::Client::on) or [`Client::on_gap`](crate::Client::on_gap). It stays when this is
/// dropped.
#[derive(Clone)]
pub struct Registration {
    handlers: Weak<Handlers>,
    topic: Topic,
    number: u64,
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Registration").field(&self.topic).finish()
    }
}

impl Registration {
    /// Takes the handler away.
    pub fn off(self) {
        let Some(handlers) = self.handlers.upgrade() else { return };
        let mut table = handlers.0.lock();
        if let Some(of_topic) = table.1.get_mut(&self.topic) {
            of_topic.retain(|(number, _)| *number != self.number);
            if of_topic.is_empty() {
                table.1.remove(&self.topic);
            }
        }
    }
}
