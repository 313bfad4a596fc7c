//! `tsugi_proto::Session` behind a lock, and who waits for it.

use parking_lot::Mutex;
use std::cell::Cell as ThreadCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};
use tokio::sync::Notify;
use tsugi_proto::session::{CarrierId, Closed, Item, SessionEvent};
use tsugi_proto::{Instant, Message, Session};

/// The clock of one server: moments are counted from its start, and follow tokio's paused clock in tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock(tokio::time::Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    pub(crate) fn now(self) -> Instant {
        let Some(moment) = MOMENT.get() else { return self.at(now()) };
        match moment.on {
            Some((clock, at)) if clock == self => at,
            _ => {
                let at = self.at(moment.now);
                MOMENT.set(Some(Moment { on: Some((self, at)), ..moment }));
                at
            }
        }
    }

    fn at(self, now: tokio::time::Instant) -> Instant {
        Instant::after_origin(now.saturating_duration_since(self.0))
    }

    /// When `at` comes, for a sleep.
    pub(crate) fn when(self, at: Instant) -> tokio::time::Instant {
        self.0 + at.since_origin()
    }
}

thread_local! {
    /// When the poll began that this thread is in.
    static MOMENT: ThreadCell<Option<Moment>> = const { ThreadCell::new(None) };
}

#[derive(Clone, Copy)]
struct Moment {
    now: tokio::time::Instant,
    /// The same on the clock of the server that was asked last: nearly always there is one server.
    on: Option<(Clock, Instant)>,
}

/// What the clock says, or said when the poll began that this is called in.
pub(crate) fn now() -> tokio::time::Instant {
    MOMENT.get().map_or_else(tokio::time::Instant::now, |moment| moment.now)
}

/// Polls while the clock stands: it is read for every message, and a reading takes as long as decoding a short one does.
pub(crate) fn in_one_moment<R>(poll: impl FnOnce() -> R) -> R {
    struct Before(Option<Moment>);
    impl Drop for Before {
        fn drop(&mut self) {
            MOMENT.set(self.0);
        }
    }
    let _before = Before(MOMENT.replace(Some(Moment { now: tokio::time::Instant::now(), on: None })));
    poll()
}

/// Who a session belongs to: a plain socket or a peer. One allocation holds both the owner and its [`Cell`].
pub(crate) trait Owner: Send + Sync + 'static {
    /// The session.
    fn cell(&self) -> &Cell;
    /// Something happened to the session. Called without the lock.
    fn notify(self: Arc<Self>, event: SessionEvent);
    /// Messages wait in the inbox. Called without the lock.
    fn readable(self: Arc<Self>);
    /// A carrier took frames from the queue. Called without the lock.
    fn writable(&self) {}
    /// How a WebSocket ends when the session ends it.
    fn farewell(&self) -> Farewell {
        Farewell::Close
    }
}

/// How a WebSocket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// With a close frame.
    Close,
    /// Without a word, as if it broke: for clients that never come back after a clean close.
    HangUp,
}

/// Knows sessions by a name of its own and wants to hear of their end.
pub(crate) trait Register: Send + Sync {
    /// The session of this name has ended. Called without the session's lock.
    fn ended(&self, name: &str, closed: &Closed);
}

/// Where a session is registered, beside its owner.
pub(crate) struct Place {
    pub(crate) register: Arc<dyn Register>,
    pub(crate) name: Box<str>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Place")
    }
}

/// A session and its waiting carrier.
///
/// The lock is held for the few instructions that a call of the state machine takes, never across an await, and never
/// while an owner is notified: an owner may call back.
#[derive(Debug)]
pub(crate) struct Cell {
    clock: Clock,
    wheel: Arc<Wheel>,
    place: Option<Box<Place>>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    session: Session,
    /// Wakes the attached carrier's task.
    waker: Option<Waker>,
    /// Whether that task is at work. It looks once more before it sleeps, so that nothing needs to wake it.
    awake: bool,
    /// When the wheel will look at this session, if ever.
    scheduled: Instant,
    /// Bodies of messages that wait until the inbox has room. Owns nothing while nobody waits.
    posters: Option<Box<Posters>>,
}

#[derive(Debug, Default)]
struct Posters(Vec<Waker>);

impl Cell {
    pub(crate) fn new(clock: Clock, wheel: Arc<Wheel>, config: Arc<tsugi_proto::session::Config>) -> Self {
        let session = Session::new(clock.now(), config);
        Self {
            clock,
            wheel,
            place: None,
            inner: Mutex::new(Inner { session, waker: None, awake: false, scheduled: Instant::NEVER, posters: None }),
        }
    }

    /// Tells this register of the session's end.
    pub(crate) fn registered(mut self, place: Option<Place>) -> Self {
        self.place = place.map(Box::new);
        self
    }

    /// Queues what goes out first, before anybody else knows the session.
    pub(crate) fn begin_with(self, item: Item) -> Self {
        // One that is too large for the queue closes the session, of which its first carrier learns.
        let _ = self.inner.lock().session.send(self.clock.now(), item);
        self
    }

    /// Looks at the session.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Session) -> R) -> R {
        look(&self.inner.lock().session)
    }

    /// Takes what waits, unless that must wake who waits for room in the inbox: then there is more to it than a look.
    fn receive_all(&self) -> Option<VecDeque<Message>> {
        let session = &mut self.inner.lock().session;
        (!session.inbox_is_full()).then(|| session.receive_all())
    }
}

/// Takes all messages of the peer that wait. What was taken before is handled by now.
pub(crate) fn receive_all(cell: &Cell, owner: impl FnOnce() -> Arc<dyn Owner>) -> VecDeque<Message> {
    cell.receive_all().unwrap_or_else(|| with(&owner(), |session, _| session.receive_all()))
}

/// Calls the state machine from outside its carrier, and does what must follow every call: wake the carrier when there
/// is something for it, notify the owner, see to timers.
pub(crate) fn with<R>(owner: &Arc<dyn Owner>, call: impl FnOnce(&mut Session, Instant) -> R) -> R {
    with_cell(owner.cell(), || Arc::clone(owner), call)
}

/// The same for an owner that most calls do not need.
pub(crate) fn with_cell<R>(
    cell: &Cell,
    owner: impl FnOnce() -> Arc<dyn Owner>,
    call: impl FnOnce(&mut Session, Instant) -> R,
) -> R {
    let now = cell.clock.now();
    let mut inner = cell.inner.lock();
    let asleep = inner.waker.is_some() && !inner.awake;
    let before = asleep.then(|| (inner.session.poll_timeout().unwrap_or(Instant::NEVER), inner.session.carrier()));
    let was_full = inner.session.inbox_is_full();
    let result = call(&mut inner.session, now);
    let session = &inner.session;
    let reads_again = was_full && !session.inbox_is_full();
    let wake = before.is_some_and(|(timeout, carrier)| {
        let sooner = session.poll_timeout().is_some_and(|at| at < timeout);
        sooner || reads_again || session.has_work() || session.carrier() != carrier
    });
    let posters = if reads_again || session.is_closed() { inner.posters.take() } else { None };
    let waker = if wake { inner.waker.take() } else { None };
    settle(cell, owner, inner);
    posters.into_iter().flat_map(|posters| posters.0).for_each(Waker::wake);
    if let Some(waker) = waker {
        waker.wake();
    }
    result
}

/// Calls the state machine on behalf of the attached carrier, which sees to its own waking.
pub(crate) fn carry<R>(owner: &Arc<dyn Owner>, call: impl FnOnce(&mut Session, Instant) -> R) -> R {
    let cell = owner.cell();
    let now = cell.clock.now();
    let mut inner = cell.inner.lock();
    let result = call(&mut inner.session, now);
    settle(cell, || Arc::clone(owner), inner);
    result
}

/// The same at the beginning of a turn of the carrier's task, which ends with [`park`]: nothing wakes it in between.
pub(crate) fn attend<R>(
    owner: &Arc<dyn Owner>,
    carrier: CarrierId,
    call: impl FnOnce(&mut Session, Instant) -> R,
) -> R {
    let cell = owner.cell();
    let now = cell.clock.now();
    let mut inner = cell.inner.lock();
    // One that has lost its session must not keep the other from being woken.
    inner.awake |= inner.session.carrier() == Some(carrier);
    let result = call(&mut inner.session, now);
    settle(cell, || Arc::clone(owner), inner);
    result
}

/// Waits until the inbox has room for what came beside the carrier, or the session is over.
pub(crate) async fn room(owner: &Arc<dyn Owner>) {
    std::future::poll_fn(|context| {
        let mut inner = owner.cell().inner.lock();
        if !inner.session.inbox_is_full() || inner.session.is_closed() {
            return Poll::Ready(());
        }
        let posters = &mut inner.posters.get_or_insert_default().0;
        if !posters.iter().any(|waker| waker.will_wake(context.waker())) {
            posters.push(context.waker().clone());
        }
        Poll::Pending
    })
    .await;
}

/// What a carrier could do if there was something to do. It could not write while a write is pending, and it did not read
/// when the inbox was full.
#[derive(Clone, Copy)]
pub(crate) struct Idle {
    pub(crate) can_write: bool,
    pub(crate) left_unread: bool,
}

/// Puts the attached carrier to sleep: who to wake, and when its next timer is due. A fenced carrier gets no place.
///
/// Whatever happened since the carrier last looked found no one to wake. So it is looked for here once more, under the
/// lock that the waker is left under.
pub(crate) fn park(owner: &Arc<dyn Owner>, carrier: CarrierId, waker: &Waker, idle: Idle) -> Parked {
    let cell = owner.cell();
    let mut inner = cell.inner.lock();
    if inner.session.carrier() != Some(carrier) {
        return Parked::Fenced;
    }
    let writes = idle.can_write && inner.session.has_work();
    let reads = idle.left_unread && !inner.session.inbox_is_full();
    if writes || reads {
        return Parked::Again;
    }
    inner.awake = false;
    match &mut inner.waker {
        Some(known) if known.will_wake(waker) => {}
        slot => *slot = Some(waker.clone()),
    }
    let at = inner.session.poll_timeout().map(|at| cell.clock.when(at));
    Parked::Until { at, is_closing: inner.session.is_closing() }
}

/// What [`park`] found.
pub(crate) enum Parked {
    /// Sleep until then, or until woken.
    Until {
        at: Option<tokio::time::Instant>,
        /// Whether the session is over or about to be.
        is_closing: bool,
    },
    /// Do not sleep: there is something to do after all.
    Again,
    /// Do not sleep: the carrier has lost its session.
    Fenced,
}

/// Whether a session's timers need the wheel: it has no carrier, or is closing behind one that may never ask again.
fn needs_wheel(session: &Session) -> bool {
    session.carrier().is_none() || session.is_closing()
}

/// What must follow every call: hand a session without a carrier to the wheel, and tell the owner what happened.
fn settle(cell: &Cell, owner: impl FnOnce() -> Arc<dyn Owner>, mut inner: parking_lot::MutexGuard<'_, Inner>) {
    if !needs_wheel(&inner.session) && !inner.session.has_events() {
        return;
    }
    let owner = owner();
    if needs_wheel(&inner.session)
        && let Some(at) = inner.session.poll_timeout()
        && at < inner.scheduled
    {
        inner.scheduled = at;
        cell.wheel.schedule(cell.clock.when(at), Arc::downgrade(&owner));
    }
    let mut events = Vec::new();
    while let Some(event) = inner.session.poll_event() {
        events.push(event);
    }
    drop(inner);
    for event in events {
        if let (SessionEvent::Closed(closed), Some(place)) = (&event, &cell.place) {
            place.register.ended(&place.name, closed);
        }
        Arc::clone(&owner).notify(event);
    }
}

/// Fires the timers of sessions that have no carrier, and so no task, to do it.
///
/// One heap behind one lock, held for a push or a pop; one task that sleeps until the earliest entry. An entry holds its
/// session weakly. It is not taken out when a session finds a carrier again: it then fires once, and does nothing.
#[derive(Debug, Default)]
pub(crate) struct Wheel {
    heap: Mutex<Heap>,
    earlier: Notify,
}

#[derive(Default)]
struct Heap {
    entries: BinaryHeap<Reverse<Entry>>,
    running: bool,
}

impl std::fmt::Debug for Heap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Heap({})", self.entries.len())
    }
}

struct Entry(tokio::time::Instant, Weak<dyn Owner>);

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl Wheel {
    fn schedule(self: &Arc<Self>, at: tokio::time::Instant, owner: Weak<dyn Owner>) {
        let mut heap = self.heap.lock();
        let first = heap.entries.peek().is_none_or(|Reverse(entry)| at < entry.0);
        heap.entries.push(Reverse(Entry(at, owner)));
        let start = !std::mem::replace(&mut heap.running, true);
        drop(heap);
        if start {
            // Ends when the last entry has fired; the next entry starts it again.
            tokio::spawn(Arc::clone(self).run());
        } else if first {
            self.earlier.notify_one();
        }
    }

    async fn run(self: Arc<Self>) {
        loop {
            let next = {
                let mut heap = self.heap.lock();
                match heap.entries.peek() {
                    Some(Reverse(entry)) => entry.0,
                    None => {
                        heap.running = false;
                        heap.entries = BinaryHeap::new();
                        return;
                    }
                }
            };
            tokio::select! {
                () = tokio::time::sleep_until(next) => self.fire(),
                () = self.earlier.notified() => {}
            }
        }
    }

    fn fire(&self) {
        let now = tokio::time::Instant::now();
        loop {
            let mut heap = self.heap.lock();
            if heap.entries.peek().is_none_or(|Reverse(entry)| entry.0 > now) {
                return;
            }
            let due = heap.entries.pop();
            drop(heap);
            if let Some(owner) = due.and_then(|Reverse(entry)| entry.1.upgrade()) {
                owner.cell().inner.lock().scheduled = Instant::NEVER;
                with(&owner, |session, now| {
                    if needs_wheel(session) {
                        session.handle_timeout(now);
                    }
                });
            }
        }
    }
}
