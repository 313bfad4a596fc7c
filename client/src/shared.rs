//! What handles and the driver have in common.

use crate::delivery::Delivery;
use crate::error::SendError;
use crate::events::{Handlers, Notice};
#[cfg(not(target_arch = "wasm32"))]
use crate::outbox::{OutboxError, Persistent, Restored};
use crate::platform::{Clock, Keeper};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch};
use tsugi_proto::connection::{Flow, ItemId, Output, Reply, State};
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
    /// What the connection said, and the driver has yet to carry out.
    early: VecDeque<Output>,
    keeper: Keeper,
    /// What was left and taken up again, until somebody asks.
    restored: Vec<(Again, watch::Receiver<Option<Reply>>)>,
}

/// An item of an earlier process that is under way again.
#[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "there is none in a page"))]
pub(crate) struct Again {
    pub(crate) item: ItemId,
    pub(crate) event: Event,
    pub(crate) kind: Kind,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It wants no reply.
    Event,
    /// It wants one.
    Request,
}

impl Shared {
    pub(crate) fn new(connection: Connection, events: usize) -> Self {
        Self {
            core: Mutex::new(Core::new(connection)),
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
            let item = core.send(now, event, kind, timeout)?;
            Ok::<_, SendError>((item, core.await_end(item)))
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

    /// Begins to keep what is sent in a file, and goes on with what is in it.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn keep(&self, options: &Persistent, endpoint: String) -> Result<(), OutboxError> {
        self.with(|core, now| {
            let again = core.keeper.begin(options, endpoint, &mut core.connection, now)?;
            core.restore(again);
            Ok(())
        })
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn restored(self: &Arc<Self>) -> Vec<Restored> {
        let restored = self.with(|core, _| std::mem::take(&mut core.restored));
        let delivery = |item, end| Delivery { item, shared: Arc::clone(self), end };
        restored
            .into_iter()
            .map(|(Again { item, event, kind }, end)| Restored { event, kind, delivery: delivery(item, end) })
            .collect()
    }

    /// What is wrong with what is kept. For callers without the lock: the application is told.
    pub(crate) fn tell_problems(&self) {
        let problems = self.with(|core, _| core.keeper.problems());
        problems.into_iter().for_each(|problems| problems.tell());
    }

    pub(crate) fn reconnect(&self) {
        self.with(|core, now| {
            core.gather();
            if matches!(core.connection.state(), State::Closed(_)) {
                let again = core.keeper.reopen(&mut core.connection, now);
                core.restore(again);
            }
            core.connection.reconnect(now);
        });
        self.wake.notify_one();
    }

    pub(crate) fn close(&self, close: &Close) {
        self.with(|core, _| core.close(close));
        self.wake.notify_one();
    }

    /// The last handle is gone.
    pub(crate) fn abandon(&self) {
        self.with(|core, _| {
            core.life = Life::Dropped;
            core.close(&Close::because(tsugi_proto::CloseCode::NORMAL, ""));
        });
        self.wake.notify_one();
    }

    /// The driver ended: nobody else will say so to those who wait.
    pub(crate) fn end(&self) {
        self.with(|core, _| {
            core.life = Life::Over;
            core.close(&Close::because(tsugi_proto::CloseCode::NORMAL, ""));
            core.pending.clear();
            self.state.send_replace(core.connection.state().clone());
        });
        self.notices.lock().take();
    }
}

impl Core {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            pending: HashMap::new(),
            life: Life::Held,
            early: VecDeque::new(),
            keeper: Keeper::default(),
            restored: Vec::new(),
        }
    }

    /// The next thing for the driver to do. Those who wait for an item have been told of its end.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.early.pop_front().or_else(|| self.next())
    }

    fn next(&mut self) -> Option<Output> {
        let output = self.connection.poll()?;
        match &output {
            Output::Settled { item, result } => {
                self.keeper.settled(&self.connection, *item, result);
                if let Some(settle) = self.pending.remove(item) {
                    settle.send_replace(Some(result.clone()));
                }
            }
            Output::State(State::Closed(_)) => self.keeper.leave(),
            _ => {}
        }
        Some(output)
    }

    /// Takes in what the connection has to say, before something that would give it another meaning.
    fn gather(&mut self) {
        // It sends nothing new meanwhile. The driver, which knows better, says so before it asks.
        self.connection.set_flow(Flow::Full);
        while let Some(output) = self.next() {
            self.early.push_back(output);
        }
    }

    fn close(&mut self, close: &Close) {
        // What was handled is so for the file too, which then is free for the next client.
        self.gather();
        self.connection.close(close);
        self.gather();
    }

    fn await_end(&mut self, item: ItemId) -> watch::Receiver<Option<Reply>> {
        let (settle, end) = watch::channel(None);
        self.pending.insert(item, settle);
        end
    }

    fn restore(&mut self, again: Vec<Again>) {
        for again in again {
            let end = self.await_end(again.item);
            self.restored.push((again, end));
        }
    }

    /// Nothing leaves before it is kept: the driver waits for the lock.
    fn send(&mut self, now: Instant, event: &Event, kind: Kind, timeout: Duration) -> Result<ItemId, SendError> {
        let item = self.connection.next_item();
        self.keeper.put(&self.connection, event, kind, timeout)?;
        let sent = match kind {
            Kind::Event => self.connection.send(now, event, timeout),
            Kind::Request => self.connection.request(now, event, timeout),
        };
        sent.inspect_err(|_| self.keeper.take_back(item)).map_err(SendError::Unsent)
    }
}
