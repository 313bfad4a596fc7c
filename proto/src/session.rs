//! The server's end of one logical connection.
//!
//! A session outlives its carriers. It has a bounded queue, at most one attached carrier and a few timers, and never
//! learns which transport it is on: what a carrier can do and how it is kept alive is its [`Profile`].
//!
//! A driver's duty: after any call, drain [`Session::poll_transmit`] for the attached carrier (as far as that carrier
//! can write) and [`Session::poll_event`], then sleep until [`Session::poll_timeout`].

mod batch;
mod heartbeat;
mod inbox;
mod outcome;
mod profile;
mod queue;
mod resume;
mod timer;
mod upstream;
mod volatile;

pub use outcome::{AfterClose, CarrierId, Closed, ClosedBy, QueueFull, SendError, SessionEvent, Transmit};
pub use profile::{AfterLoss, Capacity, Config, Heartbeat, Joiner, Profile, Rhythm, Transport};
pub use queue::{EncodedEvent, Flush, Item};
pub use resume::{Desync, Gap, Resumed};
pub use timer::Timer;
pub use upstream::{Arrival, Upstream};
pub use volatile::{Durability, Fate};

use crate::close::{Close, CloseCode};
use crate::framing::Frame;
use crate::time::Instant;
use inbox::Inbox;
use queue::{Queue, Run};
use resume::Kept;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use timer::Timers;

/// How long a session that is closing waits for its carrier to take the next of what is queued.
pub const LINGER: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Attached {
    id: CarrierId,
    profile: Arc<Profile>,
    /// Whether anything was heard since the last heartbeat or ping.
    heard: bool,
    heard_at: Instant,
    /// Bytes written, for [`Capacity::Bytes`].
    written: usize,
}

#[derive(Debug)]
enum State {
    Open,
    /// What is queued still goes out, then this.
    Closing(Box<Close>),
    Closed,
}

/// What happened and was not told yet. An idle session has none, and no room for any.
#[derive(Debug, Default)]
struct Events(VecDeque<SessionEvent>);

/// The server's end of one logical connection. See the module's text.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    state: State,
    queue: Queue,
    /// Goes out before anything that waits.
    greeting: Option<Box<Frame>>,
    /// What may have to be sent again; `None` for peers that cannot tell what they have.
    kept: Option<Box<Kept>>,
    inbox: Inbox,
    attached: Option<Attached>,
    next_carrier: u32,
    /// The queue's head may leave now.
    due: bool,
    online: Option<Transport>,
    /// The carrier that was given up, and the close it still has to say.
    parting: Option<Box<(CarrierId, Close)>>,
    timers: Timers,
    events: Option<Box<Events>>,
}

impl Session {
    /// A session without a carrier, at `now`. It expires like one whose carrier has just gone.
    #[must_use]
    pub fn new(now: Instant, config: Arc<Config>) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::Expire, now + config.expire);
        Self {
            config,
            state: State::Open,
            queue: Queue::default(),
            greeting: None,
            kept: None,
            inbox: Inbox::default(),
            attached: None,
            next_carrier: 0,
            due: false,
            online: None,
            parting: None,
            timers,
            events: None,
        }
    }

    // Getters.

    /// Whether the session is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether the session takes no more items, because it is over or about to be.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        !matches!(self.state, State::Open)
    }

    /// The carrier that has the session.
    #[must_use]
    pub fn carrier(&self) -> Option<CarrierId> {
        self.attached.as_ref().map(|attached| attached.id)
    }

    /// The transport by which the peer counts as online.
    #[must_use]
    pub fn online(&self) -> Option<Transport> {
        self.online
    }

    /// Whether the attached carrier has something to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.due || self.is_closed()
    }

    /// Whether [`Session::poll_event`] has something to say.
    #[must_use]
    pub fn has_events(&self) -> bool {
        self.events.is_some()
    }

    /// Items waiting to be sent.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Bytes waiting to be sent.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    // Commands.

    /// Makes a new carrier the session's own and fences the one before, even if it still looks open. `greeting` goes
    /// out before anything that waited.
    pub fn attach(&mut self, now: Instant, profile: Arc<Profile>, greeting: Option<Frame>) -> CarrierId {
        let id = CarrierId(self.next_carrier);
        self.next_carrier = self.next_carrier.wrapping_add(1);
        self.timers.stop_all();
        if let Some(heartbeat) = &profile.heartbeat {
            self.timers.set(Timer::Heartbeat, now + heartbeat.every);
        }
        let transport = profile.transport;
        self.attached = Some(Attached { id, profile, heard: false, heard_at: now, written: 0 });
        self.greeting = greeting.map(Box::new);
        self.due = !self.is_drained() || self.is_closing();
        self.linger(now);
        if self.online != Some(transport) && !self.is_closed() {
            self.online = Some(transport);
            self.happened(SessionEvent::Online(transport));
        }
        id
    }

    /// A carrier is lost: gone without a word of the peer. Does nothing when another has the session already.
    pub fn detach(&mut self, now: Instant, carrier: CarrierId) {
        let Some(attached) = self.attached.as_ref().filter(|attached| attached.id == carrier) else { return };
        match attached.profile.after_loss {
            AfterLoss::Wait => self.release(now),
            AfterLoss::End => {
                self.attached = None;
                self.end(Close::because(CloseCode::ABNORMAL, "the connection was lost"), ClosedBy::Nobody);
            }
        }
    }

    /// A carrier has taken as much as it can and ends in good order; the peer will come with another one.
    pub fn finish(&mut self, now: Instant, carrier: CarrierId) {
        if self.carrier() == Some(carrier) {
            self.release(now);
        }
    }

    /// Queues an item.
    ///
    /// # Errors
    /// [`SendError::Closed`] when the session is over or about to be; [`SendError::Full`] when it would exceed its bounds,
    /// which closes it.
    pub fn send(&mut self, now: Instant, item: Item) -> Result<(), SendError> {
        if self.is_closing() {
            return Err(SendError::Closed);
        }
        let window = match (&item, &self.attached) {
            (Item::Event(_, Flush::Batched) | Item::Volatile(_, Flush::Batched, _), Some(attached)) => {
                attached.profile.window
            }
            _ => Duration::ZERO,
        };
        self.queue.push(item);
        if self.is_overfull() {
            self.overflow(now);
            return Err(QueueFull.into());
        }
        if window.is_zero() {
            self.due = true;
        } else if !self.due {
            self.timers.set_earlier(Timer::Flush, now + window);
        }
        Ok(())
    }

    /// Closes the session once what is queued has gone out. A session without a carrier waits for one until it
    /// expires, so that the peer learns of the close; one whose carrier takes nothing for [`LINGER`] ends as it is.
    pub fn close(&mut self, now: Instant, close: Close) {
        if matches!(self.state, State::Open) {
            self.state = State::Closing(Box::new(close));
            self.due = true;
            self.linger(now);
        }
    }

    /// Closes the session at once; what is queued is gone. A carrier learns of it when it next asks, which it may never
    /// do: its peer may read nothing.
    pub fn abort(&mut self, close: Close) {
        if self.is_closed() {
            return;
        }
        self.inbox.clear();
        self.part_with_carrier(&close);
        self.end(close, ClosedBy::Us);
    }

    /// Closes the carrier and keeps the session, whose peer may come back on another one.
    pub fn drop_carrier(&mut self, now: Instant, close: Close) {
        let Some(attached) = &self.attached else { return };
        self.parting = Some(Box::new((attached.id, close)));
        self.release(now);
    }

    // What came in.

    /// The peer was heard of: a ping, a pong, anything.
    pub fn handle_heard(&mut self, now: Instant, carrier: CarrierId) {
        if self.carrier() == Some(carrier) {
            self.heard(now);
        }
    }

    /// The peer closed this carrier. A fenced carrier's close means nothing.
    pub fn handle_close(&mut self, now: Instant, carrier: CarrierId, close: Option<Close>, then: AfterClose) {
        if self.carrier() != Some(carrier) {
            return;
        }
        match then {
            AfterClose::Detach => self.release(now),
            AfterClose::End => {
                let close = close.unwrap_or(Close::because(CloseCode::NO_STATUS, ""));
                self.attached = None;
                self.end(close, ClosedBy::Peer);
            }
        }
    }

    /// The peer broke the rules of the carrier, which closes with `close` by itself. The session is over.
    pub fn handle_failure(&mut self, carrier: CarrierId, close: Close) {
        if self.carrier() == Some(carrier) {
            self.attached = None;
            self.end(close, ClosedBy::Failure);
        }
    }

    /// The time returned by [`Session::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Flush => self.due = true,
                Timer::Heartbeat => self.heartbeat(now),
                Timer::Pong => self.pong_due(now),
                Timer::Away => self.go_offline(),
                Timer::Expire => self.expire(),
            }
        }
    }

    // What to do now.

    /// The next thing for `carrier` to do. Call it whenever the carrier can write, until it is [`Transmit::Pending`].
    pub fn poll_transmit(&mut self, now: Instant, carrier: CarrierId) -> Transmit {
        if self.carrier() != Some(carrier) {
            return self.part(carrier);
        }
        if !self.due {
            return Transmit::Pending;
        }
        if let Some(frame) = self.flush() {
            return self.transmit(now, frame);
        }
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closing(close) => {
                self.attached = None;
                self.end(Close::clone(&close), ClosedBy::Us);
                Transmit::Close(*close)
            }
            state => {
                self.state = state;
                self.due = false;
                Transmit::Pending
            }
        }
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        let events = self.events.as_mut()?;
        let event = events.0.pop_front();
        if events.0.is_empty() {
            self.events = None;
        }
        event
    }

    /// When [`Session::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    // The rest is private.

    /// What a carrier that no longer has the session is told.
    fn part(&mut self, carrier: CarrierId) -> Transmit {
        match self.parting.take() {
            Some(parting) if parting.0 == carrier => Transmit::Close(parting.1),
            parting => {
                self.parting = parting;
                Transmit::Fenced
            }
        }
    }

    /// The only place where queued items become frames. What must be sent again goes before them, and a greeting before all.
    fn flush(&mut self) -> Option<Frame> {
        let again = |kept: &mut Option<Box<Kept>>| kept.as_mut().and_then(|kept| kept.again());
        let frame = match self.greeting.take() {
            Some(greeting) => *greeting,
            None => match again(&mut self.kept) {
                Some(frame) => frame,
                None => self.flush_queue()?,
            },
        };
        if self.is_drained() {
            self.timers.stop(Timer::Flush);
            self.due = self.is_closing();
        }
        Some(frame)
    }

    fn flush_queue(&mut self) -> Option<Frame> {
        let Run { frame, items, answers } = self.queue.take_run(&self.config.joiner)?;
        if let Some(kept) = self.kept.as_mut().filter(|_| items > 0) {
            kept.keep(&frame, items, answers);
        }
        Some(frame)
    }

    /// Whether there is nothing for the carrier to take.
    fn is_drained(&self) -> bool {
        let again = self.kept.as_ref().is_some_and(|kept| kept.has_more());
        self.greeting.is_none() && !again && self.queue.is_empty()
    }

    fn transmit(&mut self, now: Instant, frame: Frame) -> Transmit {
        // What can say the last words too does so.
        let drained = self.is_drained() && !self.is_closing();
        let Some(attached) = &mut self.attached else { return Transmit::Fenced };
        attached.written += frame.len();
        let last = match attached.profile.capacity {
            Capacity::Unlimited => false,
            Capacity::One => true,
            Capacity::Bytes(most) => drained || attached.written >= most,
        };
        if last {
            self.release(now);
        }
        self.linger(now);
        Transmit::Frame { frame, last }
    }

    /// A carrier that has last words to bring gets a while for each.
    fn linger(&mut self, now: Instant) {
        if self.attached.is_some() && matches!(self.state, State::Closing(_)) {
            self.timers.set(Timer::Expire, now + LINGER);
        }
    }

    fn happened(&mut self, event: SessionEvent) {
        self.events.get_or_insert_default().0.push_back(event);
    }

    fn part_with_carrier(&mut self, close: &Close) {
        if let Some(attached) = self.attached.take() {
            self.parting = Some(Box::new((attached.id, close.clone())));
        }
    }

    fn release(&mut self, now: Instant) {
        let Some(attached) = self.attached.take() else { return };
        self.timers.stop_all();
        self.due = false;
        self.timers.set(Timer::Away, now + attached.profile.grace);
        self.timers.set(Timer::Expire, now + self.config.expire.max(attached.profile.grace));
        if self.config.expire.is_zero() {
            self.expire();
        }
    }

    fn go_offline(&mut self) {
        if self.online.take().is_some() {
            self.happened(SessionEvent::Offline);
        }
    }

    fn expire(&mut self) {
        let (close, by) = match std::mem::replace(&mut self.state, State::Closed) {
            State::Closing(close) => (*close, ClosedBy::Us),
            state => {
                self.state = state;
                (Close::because(CloseCode::ABNORMAL, "the connection was lost"), ClosedBy::Nobody)
            }
        };
        self.part_with_carrier(&close);
        self.end(close, by);
    }

    fn end(&mut self, close: Close, by: ClosedBy) {
        self.state = State::Closed;
        self.timers.stop_all();
        let kept = self.kept.take().map(|kept| kept.into_replies()).into_iter().flatten();
        let undelivered: Vec<_> = kept.chain(self.queue.take_replies()).filter(|(number, _)| *number > 0).collect();
        self.queue.clear();
        self.greeting = None;
        self.go_offline();
        if !undelivered.is_empty() {
            self.happened(SessionEvent::Undelivered(undelivered));
        }
        self.happened(SessionEvent::Closed(Closed { close, by }));
    }
}
