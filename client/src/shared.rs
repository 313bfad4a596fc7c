//! What handles and the driver have in common.

use crate::delivery::Delivery;
use crate::error::SendError;
use crate::events::{Handlers, Notice};
use crate::platform::Clock;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch};
use tsugi_proto::connection::{ItemId, Reply, State};
use tsugi_proto::{Close, Connection, Event, Instant};

pub(crate) struct Shared {
    /// Held for one call of the connection and never across an await or a handler.
    core: Mutex<Core>,
    /// Tells the driver that the connection has something to say.
    pub(crate) wake: Notify,
    pub(crate) state: watch::Sender<State>,
    pub(crate) notices: Mutex<Option<broadcast::Sender<Notice>>>,
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) clock: Clock,
}

pub(crate) struct Core {
    pub(crate) connection: Connection,
    /// Who waits for an item: as many as the connection has under way.
    pub(crate) pending: HashMap<ItemId, watch::Sender<Option<Reply>>>,
    pub(crate) life: Life,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Somebody holds a handle.
    Held,
    /// Nobody does: the driver ends when it has said goodbye.
    Dropped,
    /// There is no driver any more.
    Over,
}

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Event,
    Request,
}

impl Shared {
    pub(crate) fn new(connection: Connection, events: usize) -> Self {
        Self {
            core: Mutex::new(Core { connection, pending: HashMap::new(), life: Life::Held }),
            wake: Notify::new(),
            state: watch::Sender::new(State::Idle),
            notices: Mutex::new(Some(broadcast::Sender::new(events))),
            handlers: Arc::default(),
            clock: Clock::start(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// One call of the connection by the driver.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Core, Instant) -> T) -> T {
        let now = self.now();
        act(&mut self.core.lock(), now)
    }

    /// One call of the connection by a handle, of which the driver must carry out what follows.
    pub(crate) fn command<T>(&self, act: impl FnOnce(&mut Connection, Instant) -> T) -> T {
        let result = self.with(|core, now| act(&mut core.connection, now));
        self.wake.notify_one();
        result
    }

    pub(crate) fn deliver(
        self: &Arc<Self>,
        event: &Event,
        kind: Kind,
        timeout: Duration,
    ) -> Result<Delivery, SendError> {
        let (item, end) = self.with(|core, now| {
            let connection = &mut core.connection;
            let item = match kind {
                Kind::Event => connection.send(now, event, timeout),
                Kind::Request => connection.request(now, event, timeout),
            }?;
            let (settle, end) = watch::channel(None);
            core.pending.insert(item, settle);
            Ok::<_, SendError>((item, end))
        })?;
        self.wake.notify_one();
        Ok(Delivery { item, shared: Arc::clone(self), end })
    }

    pub(crate) fn is_unsent(&self, item: ItemId) -> bool {
        self.with(|core, _| core.connection.is_unsent(item))
    }

    pub(crate) fn cancel(&self, item: ItemId) -> bool {
        self.command(|connection, _| connection.cancel(item))
    }

    /// The last handle is gone.
    pub(crate) fn abandon(&self) {
        self.with(|core, _| {
            core.life = Life::Dropped;
            core.connection.close(&Close::because(tsugi_proto::CloseCode::NORMAL, ""));
        });
        self.wake.notify_one();
    }

    /// The driver ended: nobody else will say so to those who wait.
    pub(crate) fn end(&self) {
        self.with(|core, _| {
            core.life = Life::Over;
            core.connection.close(&Close::because(tsugi_proto::CloseCode::NORMAL, ""));
            core.pending.clear();
            self.state.send_replace(core.connection.state().clone());
        });
        self.notices.lock().take();
    }
}
