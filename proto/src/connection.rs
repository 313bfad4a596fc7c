//! The client's end of one logical connection: what is tried, what is open, what waits.
//!
//! A connection begins with a WebSocket, falls back to long-polling, and climbs back when it can, without the application
//! noticing or anything lost. It makes no connection and reads no clock itself. A driver's duty: after any call, carry
//! out [`Connection::poll`] until it says nothing more, then sleep until [`Connection::poll_timeout`] and call
//! [`Connection::handle_timeout`].
//!
//! What it does when is docs/wire.md, "A client's timing" and "Taking over".

mod backoff;
mod carrier;
mod config;
mod handshake;
mod inbox;
mod ledger;
mod life;
mod output;
mod path;
mod pending;
mod poll;
mod state;
mod websocket;

pub use backoff::{CAP, backoff};
pub use config::{BadClientId, Config, REQUEST_TIMEOUT, Wire};
pub use output::{ExchangeId, Method, Output, Path, Request};
pub use path::{Paths, Verdict};
pub use pending::{Failure, Reply, RequestError, RequestId};
pub use state::{Gap, GapReason, Loss, Open, Outcome, Reason, State};

use crate::close::{Close, CloseCode};
use crate::codec::EncodeError;
use crate::event::Event;
use crate::message::Message;
use crate::session::Transport;
use crate::time::Instant;
use crate::value::Value;
use bytes::Bytes;
use carrier::{Carrier, Link};
use ledger::Ledger;
use output::{Desk, Parcel};
use path::PathManager;
use pending::Pending;
use poll::{Exchange, Poll};
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// `online` and becoming visible happen to many clients at once: each waits a little, at random.
const WAKE: Duration = Duration::from_millis(250);

/// Why an event or a request was not taken. Nothing of it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// There is no connection now. Normal: wait for [`State::Open`].
    #[error("there is no connection")]
    Disconnected,
    /// The namespace `chsk` belongs to the protocol. A mistake of the caller.
    #[error("events in the namespace chsk belong to the protocol")]
    Reserved,
    /// The codec cannot express the data. A mistake of the caller.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The server accepts no message of this size.
    #[error("{size} bytes are too many: the server accepts {limit}")]
    TooLarge {
        /// Bytes of the message.
        size: usize,
        /// What the server accepts.
        limit: usize,
    },
    /// Too much waits to be sent; see [`Config::max_queue`]. Try again later.
    #[error("too much waits to be sent")]
    QueueFull,
    /// Too many requests wait for their replies; see [`Config::max_pending`]. Try again later.
    #[error("too many requests wait for their replies")]
    TooManyRequests,
}

/// What a page, or whatever the connection lives in, has to say of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// There is a network again, perhaps another one.
    Online,
    /// There is no network.
    Offline,
    /// Somebody may be looking.
    Visible,
    /// Nobody is looking.
    Hidden,
}

/// Where random numbers come from.
struct Dice(Box<dyn FnMut() -> f64 + Send>);

impl Dice {
    fn roll(&mut self) -> f64 {
        (self.0)()
    }
}

impl fmt::Debug for Dice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dice")
    }
}

/// The client's end of one logical connection. See the module's text.
#[derive(Debug)]
pub struct Connection {
    desk: Desk,
    dice: Dice,
    paths: PathManager,
    pending: Pending,
    state: State,
    user: Option<Value>,
    data: Value,
    /// What events travel on.
    live: Option<Carrier>,
    /// What is being opened: instead of a live carrier, or, while polling, to take over from it.
    candidate: Option<Carrier>,
    /// What the session's server sent has arrived up to here.
    ledger: Ledger,
    /// Accepted, and certainly not sent: goes out first on the next carrier. Bounded by the queue it came from.
    outbox: VecDeque<Parcel>,
    attempts: u32,
    violations: u32,
    opened_at: Instant,
    retry_at: Option<Instant>,
    climb_at: Option<Instant>,
    offline: bool,
    hidden: bool,
}

impl Connection {
    /// A connection that does nothing until [`Connection::open`]. `random` gives numbers in 0 … 1, by which clients that
    /// lost their server together come back one by one; it must differ between them.
    #[must_use]
    pub fn new(config: Config, random: impl FnMut() -> f64 + Send + 'static) -> Self {
        let paths = PathManager::new(config.paths);
        Self {
            desk: Desk::new(config),
            dice: Dice(Box::new(random)),
            paths,
            pending: Pending::default(),
            state: State::Idle,
            user: None,
            data: Value::Nil,
            live: None,
            candidate: None,
            ledger: Ledger::default(),
            outbox: VecDeque::new(),
            attempts: 0,
            violations: 0,
            opened_at: Instant::ORIGIN,
            retry_at: None,
            climb_at: None,
            offline: false,
            hidden: false,
        }
    }

    // Getters.

    /// How the connection is doing.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Requests that wait for their replies.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    // Commands.

    /// Begins to connect. Does nothing when that was begun already.
    pub fn open(&mut self, now: Instant) {
        if matches!(self.state, State::Idle | State::Closed(_)) {
            self.attempts = 0;
            self.violations = 0;
            self.connect(now);
        }
    }

    /// Sends an event.
    ///
    /// # Errors
    /// When it was not taken; nothing of it was sent.
    pub fn send(&mut self, now: Instant, event: &Event) -> Result<(), SendError> {
        let message = self.message_of(event, &Value::Nil)?;
        self.dispatch(now, Parcel { message, request: None });
        Ok(())
    }

    /// Sends an event that wants a reply, which comes as [`Output::Reply`] within `timeout`, whatever happens.
    ///
    /// # Errors
    /// When it was not taken; nothing of it was sent, and no reply comes.
    pub fn request(&mut self, now: Instant, event: &Event, timeout: Duration) -> Result<RequestId, SendError> {
        if self.pending.len() >= self.desk.config.max_pending {
            return Err(SendError::TooManyRequests);
        }
        let slot = self.slot_of(self.pending.peek_id());
        let message = self.message_of(event, &slot)?;
        let request = self.pending.add(now + timeout);
        self.dispatch(now, Parcel { message, request: Some(request) });
        Ok(request)
    }

    /// Ends the connection for good: requests that wait fail with [`RequestError::Closed`], and what was not sent yet is
    /// gone. [`Connection::open`] begins anew, with a new session.
    pub fn close(&mut self, close: &Close) {
        if matches!(self.state, State::Closed(_)) {
            return;
        }
        let loss = Loss { code: Some(close.code), ..Loss::because(Reason::Closed, close.reason.as_str()) };
        self.let_go(close);
        self.desk.terms.session = None;
        self.end(loss);
    }

    /// Lets go of what there is and connects at once, with everything untried again. The session goes on if it can.
    pub fn reconnect(&mut self, now: Instant) {
        self.let_go(&Close::because(CloseCode::NORMAL, "reconnect"));
        if self.desk.terms.session.is_none() {
            self.fail_pending(&RequestError::Disconnected);
        }
        self.attempts = 0;
        self.violations = 0;
        self.paths.network_changed();
        self.paths.poll_failed();
        self.connect(now);
    }

    /// The token that proves to the server where the page came from; holds from the next attempt on.
    pub fn set_csrf_token(&mut self, token: Option<String>) {
        self.desk.token = token;
    }

    /// What the page says of itself: nobody looking, or no network, slows attempts down to [`CAP`]; the reverse makes the
    /// next one soon.
    pub fn set_page(&mut self, now: Instant, page: Page) {
        match page {
            Page::Online => {
                self.offline = false;
                self.paths.network_changed();
            }
            Page::Offline => self.offline = true,
            Page::Visible => self.hidden = false,
            Page::Hidden => self.hidden = true,
        }
        if page != Page::Hidden {
            self.wake(now, page);
        }
    }

    // What came in.

    /// A message arrived on a WebSocket.
    pub fn handle_message(&mut self, now: Instant, path: Path, message: &Message) {
        let Some(Carrier { link: Link::WebSocket(websocket), .. }) = self.carrier_mut(path) else { return };
        websocket.heard(now);
        match self.decode(message) {
            Ok(packets) => self.receive(now, path, packets),
            Err(loss) => self.fail(now, path, loss),
        }
    }

    /// A WebSocket ended, or could not be opened. `None`: without a close frame.
    pub fn handle_closed(&mut self, now: Instant, path: Path, close: Option<Close>) {
        if path.transport() == Transport::WebSocket {
            self.lost(now, path, Loss::of_close(close));
        }
    }

    /// An HTTP request was answered. `retry_after` is that header's value, where there is one.
    pub fn handle_response(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        status: u16,
        body: Bytes,
        retry_after: Option<Duration>,
    ) {
        let answer = if status == 200 { Ok(body) } else { Err(Loss::of_status(status, &body, retry_after)) };
        if let Some((path, exchange)) = self.take_exchange(|poll| poll.take(exchange)) {
            self.answered(now, path, exchange, answer);
        }
    }

    /// An HTTP request failed without an answer. `why` is for people.
    pub fn handle_failure(&mut self, now: Instant, exchange: ExchangeId, why: &str) {
        if let Some((path, exchange)) = self.take_exchange(|poll| poll.take(exchange)) {
            self.answered(now, path, exchange, Err(Loss::because(Reason::Network, why)));
        }
    }

    /// The time returned by [`Connection::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(request) = self.pending.take_due(now) {
            self.tell(request, Err(RequestError::Timeout));
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.connect(now);
        }
        if self.climb_at.is_some_and(|at| at <= now) {
            self.climb(now);
        }
        while let Some((path, exchange)) = self.take_exchange(|poll| poll.take_late(now)) {
            self.desk.put(Output::Abort { exchange: exchange.id });
            self.answered(now, path, exchange, Err(Loss::because(Reason::Timeout, "no answer in time")));
        }
        self.carriers_due(now);
        if self.ledger.is_late(now) {
            self.acknowledge();
        }
    }

    // What to do now.

    /// The next thing to do or to tell the application.
    pub fn poll(&mut self) -> Option<Output> {
        self.desk.take()
    }

    /// When [`Connection::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let carriers = [&self.live, &self.candidate].into_iter().flatten().filter_map(Carrier::next_timeout);
        let own = [self.retry_at, self.climb_at, self.ledger.next_timeout(), self.pending.next_timeout()];
        carriers.chain(own.into_iter().flatten()).min()
    }

    // The rest is private.

    fn change(&mut self, state: State) {
        self.state = state.clone();
        self.desk.put(Output::State(state));
    }

    fn tell(&mut self, request: RequestId, result: Reply) {
        self.desk.put(Output::Reply { request, result });
    }

    /// A reply without a request came too late, or twice: nobody wants it.
    fn settle(&mut self, request: RequestId, result: Reply) {
        if self.pending.take(request) {
            self.tell(request, result);
        }
    }

    fn carrier_mut(&mut self, path: Path) -> Option<&mut Carrier> {
        [&mut self.live, &mut self.candidate].into_iter().flatten().find(|carrier| carrier.path() == path)
    }

    fn poll_mut(&mut self, path: Path) -> Option<&mut Poll> {
        match self.carrier_mut(path) {
            Some(Carrier { link: Link::Poll(poll), .. }) => Some(poll),
            _ => None,
        }
    }

    fn with_poll(&mut self, path: Path, act: impl FnOnce(&mut Poll, &mut Desk)) {
        let carriers = [&mut self.live, &mut self.candidate].into_iter().flatten();
        for carrier in carriers.filter(|carrier| carrier.path() == path) {
            if let Link::Poll(poll) = &mut carrier.link {
                return act(poll, &mut self.desk);
            }
        }
    }

    fn take_exchange(&mut self, mut take: impl FnMut(&mut Poll) -> Option<Exchange>) -> Option<(Path, Exchange)> {
        [&mut self.live, &mut self.candidate].into_iter().flatten().find_map(|carrier| match &mut carrier.link {
            Link::Poll(poll) => take(poll).map(|exchange| (poll.path, exchange)),
            Link::WebSocket(_) => None,
        })
    }

    fn carriers_due(&mut self, now: Instant) {
        let mut late = Vec::new();
        for carrier in [&mut self.live, &mut self.candidate].into_iter().flatten() {
            match &mut carrier.link {
                Link::Poll(poll) => poll.end_pause(&mut self.desk, now),
                Link::WebSocket(websocket) => {
                    late.extend(websocket.handle_timeout(&mut self.desk, now).err().map(|loss| (websocket.path, loss)));
                }
            }
        }
        for (path, loss) in late {
            self.fail(now, path, loss);
        }
    }

    fn wake(&mut self, now: Instant, page: Page) {
        match (&self.state, &mut self.live) {
            // A server that named a time meant it.
            (State::Waiting { loss, .. }, _) if loss.reason == Reason::Busy || page == Page::Offline => {}
            (State::Waiting { attempt, loss, .. }, _) => {
                let (attempt, loss) = (*attempt, loss.clone());
                let until = now + WAKE.mul_f64(self.dice.roll().clamp(0.0, 1.0));
                self.retry_at = Some(until);
                self.change(State::Waiting { until, attempt, loss });
            }
            // The network may be another one, on which this socket is dead without a sign.
            (_, Some(Carrier { link: Link::WebSocket(websocket), .. })) => websocket.probe(&mut self.desk, now),
            _ if page == Page::Online => self.climb(now),
            _ => {}
        }
    }

    // Sending.

    fn slot_of(&self, request: RequestId) -> Value {
        let polling = self.live.as_ref().is_some_and(|live| live.path().transport() == Transport::Poll);
        match self.desk.terms.session {
            Some(_) => request.number(),
            None if polling => Value::keyword("ajax"),
            None => request.hex(),
        }
    }

    fn message_of(&self, event: &Event, slot: &Value) -> Result<Message, SendError> {
        let Some(live) = &self.live else { return Err(SendError::Disconnected) };
        if event.id.is_reserved() {
            return Err(SendError::Reserved);
        }
        let id = Value::Keyword(event.id.as_str().into());
        let payload = std::iter::once(id).chain(event.data.clone()).collect();
        let message = self.desk.config.codec.encode(&Value::Vector(payload), slot)?;
        let (size, limit) = (message.len(), self.desk.terms.max_message);
        if size > limit {
            return Err(SendError::TooLarge { size, limit });
        }
        let has_room = match &live.link {
            Link::Poll(poll) => poll.has_room(&self.desk, size),
            // A driver that cannot write leaves outputs where they are.
            Link::WebSocket(_) => self.desk.transmits() < self.desk.config.max_queue,
        };
        if has_room { Ok(message) } else { Err(SendError::QueueFull) }
    }

    fn dispatch(&mut self, now: Instant, parcel: Parcel) {
        match self.live.as_mut().map(|live| &mut live.link) {
            Some(Link::WebSocket(websocket)) => {
                let Parcel { message, .. } = parcel;
                self.desk.put(Output::Transmit { path: websocket.path, message });
            }
            Some(Link::Poll(poll)) => poll.send(&mut self.desk, now, parcel),
            None => self.outbox.push_back(parcel),
        }
    }
}
