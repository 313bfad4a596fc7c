//! A session that speaks events: it decodes what comes in and hands one event after another to the router.

mod caller;
mod gate;
mod mailbox;
mod presence;
mod push;
mod worker;

pub(crate) use gate::Gate;

use crate::config::Wire;
use crate::core::Core;
use crate::event;
use crate::handler::Context;
use crate::identity::{ClientId, SessionId, UserId};
use crate::kit::{Kit, Protocol, keyword};
use crate::reply::Responder;
use crate::session::{Cell, Farewell, Owner, with, with_cell};
use mailbox::Mailbox;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Waker};
use std::time::Duration;
use tokio::sync::Semaphore;
use tsugi_proto::packet::Received;
use tsugi_proto::session::{Closed, Item, SendError, SessionEvent, Transport};
use tsugi_proto::{Close, EventId, Session, Value};

/// The event-level view of one session.
pub(crate) struct Peer {
    cell: Cell,
    /// Tells this session from every other of the server, for maps.
    pub(crate) number: u64,
    pub(crate) protocol: Protocol,
    /// Which of the core's kits. It changes when a client turns out to be of another version of Sente.
    kit: AtomicUsize,
    pub(crate) context: Context,
    /// Counted against the sessions of this address.
    pub(crate) address: Option<IpAddr>,
    core: Arc<Core>,
    /// Whether [`Work::gate`] is shut. Read at every push; the lock need not be taken for that.
    gated: AtomicBool,
    /// Whether the client numbers what it sends, for an outbox. Read at every event; the lock need not be taken for that.
    numbers: AtomicBool,
    /// The outbox for which the session speaks, by its id; 0 for none. Set before what it says is sent, and cleared before the answers
    /// of one that the client has left are taken back.
    speaks_for: AtomicU64,
    work: Mutex<Work>,
}

/// What waits to be handled, beside the session's inbox. Locked for moments; no other lock is taken inside.
#[derive(Default)]
struct Work {
    jobs: VecDeque<Job>,
    /// Whether a worker is at it. There is at most one, so that events are handled in order.
    running: bool,
    online: Option<Transport>,
    /// Until the client has proved itself, it counts nowhere as online.
    gate: Option<Box<Gate>>,
    /// Whether the client's last hello came over HTTP, so that its polls may have the session.
    polls: bool,
    /// The client's newest hello.
    attempt: u64,
    /// Of a client that numbers what it sends.
    outbox: Mailbox,
    /// Made for the first event of a route that allows several at once.
    running_of: Option<Box<Running>>,
}

/// Events that are handled beside others, by route.
#[derive(Default)]
struct Running(HashMap<EventId, Arc<Semaphore>>);

/// Something to handle that did not come through the session's carrier.
enum Job {
    /// An event of a POST, and who answers it, when not the session does.
    Posted(Received, Option<Responder>),
    /// The server's own news, such as that the user came online.
    News(&'static str, Value),
}

impl Owner for Peer {
    fn cell(&self) -> &Cell {
        &self.cell
    }

    fn notify(self: Arc<Self>, event: SessionEvent) {
        match event {
            SessionEvent::Online(transport) => self.go_online(transport),
            SessionEvent::Offline => self.go_offline(),
            SessionEvent::Undelivered(replies) => self.give_back(replies),
            SessionEvent::Closed(closed) => self.ended(&closed),
        }
    }

    /// Clients of 1.9 to 1.17 stay away for ever after a clean close (sente.md 9.9).
    fn farewell(&self) -> Farewell {
        if self.kit().wire == Wire::SenteV1 { Farewell::HangUp } else { Farewell::Close }
    }

    /// Starts the worker unless it runs. Its first step is taken here: most handlers never wait, and then no task is
    /// needed.
    fn readable(self: Arc<Self>) {
        if std::mem::replace(&mut self.work.lock().running, true) {
            return;
        }
        let mut work = Box::pin(Arc::clone(&self).work());
        if work.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending() {
            // The rest is a task of its own, so that the carrier goes on carrying. It ends when nothing waits any more.
            self.core.tasks.spawn(work);
        }
    }
}

impl Peer {
    pub(crate) fn new(
        core: &Arc<Core>,
        cell: Cell,
        protocol: Protocol,
        kit: usize,
        context: Context,
        address: Option<IpAddr>,
        gate: Option<Gate>,
    ) -> Arc<Self> {
        let number = core.next_number();
        let gated = AtomicBool::new(gate.is_some());
        let work = Mutex::new(Work { gate: gate.map(Box::new), ..Work::default() });
        let kit = AtomicUsize::new(kit);
        Arc::new(Self {
            cell,
            number,
            protocol,
            kit,
            context,
            address,
            core: Arc::clone(core),
            gated,
            numbers: AtomicBool::new(false),
            speaks_for: AtomicU64::new(0),
            work,
        })
    }

    pub(crate) fn session(&self) -> SessionId {
        self.context.session
    }

    pub(crate) fn kit(&self) -> &Kit {
        &self.core.kits[self.kit_index()]
    }

    pub(crate) fn kit_index(&self) -> usize {
        self.kit.load(Ordering::Acquire)
    }

    /// From now on the client is spoken to in another version of Sente. Events that wait already are the same in each, but
    /// for the frame of one alone, and that the version before reads by accident (sente.md 1.4).
    pub(crate) fn speak(self: &Arc<Self>, kit: usize) {
        if self.kit.swap(kit, Ordering::AcqRel) == kit {
            return;
        }
        let kit = &self.core.kits[kit];
        tracing::info!(target: "tsugi", client = %self.client(), wire = ?kit.wire, "a Sente client of another version than this path is for: answered in its own");
        with(&self.owner(), |session, _| {
            session.reconfigure(Arc::clone(&kit.session), |transport| kit.profile(self.protocol, transport));
        });
    }

    pub(crate) fn user(&self) -> Option<&UserId> {
        self.context.user.as_ref()
    }

    pub(crate) fn client(&self) -> &ClientId {
        &self.context.client
    }

    /// Whether the session is over. One that is about to be still has its last words and its close to say.
    pub(crate) fn is_closed(&self) -> bool {
        self.cell.look(Session::is_closed)
    }

    /// A hello came: over HTTP, polls may have the session from now on; on a WebSocket they may not, so that one still on
    /// its way cannot take the session back.
    pub(crate) fn greeted(&self, transport: Transport, attempt: u64) {
        let mut work = self.work.lock();
        work.polls = transport == Transport::Poll;
        work.attempt = attempt;
    }

    /// Whether this hello is newer than the one the session goes by. One that does not say is taken for such.
    pub(crate) fn is_newer(&self, attempt: u64) -> bool {
        attempt == 0 || attempt > self.work.lock().attempt
    }

    /// Whether a poll may have the session. When the WebSocket of the last hello is gone, it may again: a client whose move to
    /// a WebSocket failed after hello goes on polling, and may not know that its hello was heard.
    pub(crate) fn polls(&self) -> bool {
        let polls = self.work.lock().polls;
        polls || self.cell.look(|session| session.carrier().is_none())
    }

    /// Whether the session is over, or only waits to say that it is. A Sente close is about the connections there are: one
    /// that comes later is closed only if events were to be delivered first.
    pub(crate) fn is_spent(&self) -> bool {
        self.cell.look(|session| session.is_closed() || (session.is_closing() && session.queued() == 0))
    }

    /// Ends the session once what waits has gone out.
    pub(crate) fn close(self: &Arc<Self>, close: Close) {
        with(&self.owner(), |session, now| session.close(now, close));
    }

    /// Ends the session at once.
    pub(crate) fn abort(self: &Arc<Self>, close: Close) {
        with(&self.owner(), |session, _| session.abort(close));
    }

    pub(crate) fn owner(self: &Arc<Self>) -> Arc<dyn Owner> {
        Arc::<Self>::clone(self)
    }

    pub(crate) fn send(self: &Arc<Self>, item: Item) -> Result<(), SendError> {
        self.send_if(|| true, item)
    }

    fn send_if(self: &Arc<Self>, may: impl FnOnce() -> bool, item: Item) -> Result<(), SendError> {
        // Asked under the session's lock, under which answers are taken back too.
        let send = |session: &mut Session, now| if may() { session.send(now, item) } else { Err(SendError::Closed) };
        let sent = with_cell(&self.cell, || self.owner(), send);
        if let Err(SendError::Full(_)) = sent {
            self.core.counters.overflows.add(1);
            tracing::warn!(target: "tsugi", client = %self.client(), "a client reads too slowly: queue full, dropped with 3002");
        }
        sent
    }

    /// Takes what a POST brought, once there is room: as a WebSocket is not read while its inbox is full.
    pub(crate) async fn post(self: &Arc<Self>, mut posted: Vec<(Received, Option<Responder>)>) -> Result<(), Busy> {
        // The client, or the proxy between, gives up by itself after such a time; then hyper drops this.
        let waited = tokio::time::timeout(POST_WAIT, async {
            loop {
                let mut room = std::pin::pin!(self.core.room.notified());
                room.as_mut().enable();
                if self.try_post(&mut posted) {
                    return;
                }
                room.await;
            }
        });
        waited.await.map_err(|_| Busy)?;
        Arc::clone(self).readable();
        Ok(())
    }

    fn try_post(&self, posted: &mut Vec<(Received, Option<Responder>)>) -> bool {
        let mut work = self.work.lock();
        let has_room = work.jobs.len() < self.core.config.limits.max_inbox;
        if has_room {
            work.jobs.extend(posted.drain(..).map(|(received, responder)| Job::Posted(received, responder)));
        }
        has_room
    }

    /// Whether somebody goes through what came, and will tell what was handled when nothing waits any more.
    pub(crate) fn is_working(&self) -> bool {
        self.work.lock().running
    }

    /// The client will not get something that was sent to it.
    pub(crate) fn tell_gap(self: &Arc<Self>, gap: Value) {
        self.core.counters.gaps.add(1);
        tracing::info!(target: "tsugi", client = %self.client(), ?gap, "gap");
        self.tell_handled_anew();
        self.work.lock().jobs.push_back(Job::News(event::GAP, gap));
        Arc::clone(self).readable();
    }

    fn ended(self: &Arc<Self>, closed: &Closed) {
        tracing::debug!(target: "tsugi", client = %self.client(), code = closed.close.code.get(), "session ended");
        self.leave_outbox();
        self.core.forget(self);
    }
}

/// Too many events of this client wait already, and have for a while.
#[derive(Debug)]
pub(crate) struct Busy;

/// How long a POST waits for room among what its client's earlier ones brought.
const POST_WAIT: Duration = Duration::from_secs(5);

/// The handshake, first on every connection (sente.md 8.2; its fourth element is docs/wire.md's).
pub(crate) fn handshake(kit: &Kit, user: Option<&UserId>, data: Value, extension: Option<Value>) -> Value {
    let user = user.map_or_else(|| kit.no_user(), |user| Value::String(user.as_str().into()));
    let mut arguments = vec![user, Value::Nil];
    // Before 1.21 there was a third element only when it said something (sente.md 8.2).
    arguments.extend(Some(data).filter(|data| kit.wire == Wire::Current || !data.is_nil()));
    arguments.extend(extension);
    Value::Vector(vec![keyword("chsk/handshake"), Value::Vector(arguments)])
}

/// The name of a request, for the log.
pub(crate) fn id_of(received: &Received) -> EventId {
    match received {
        Received::Event { id, .. } => id.clone(),
        Received::BadEvent { .. } => EventId::of_static(event::BAD_EVENT),
    }
}
