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
mod keeping;
mod ledger;
mod life;
mod outbox;
mod output;
mod path;
mod poll;
mod reply;
mod sending;
mod state;
mod websocket;

pub use backoff::{CAP, backoff};
pub use config::{BadClientId, Config, REQUEST_TIMEOUT, SEND_TIMEOUT, WhileDown, Wire};
pub use outbox::{ItemId, Wants};
pub use output::{ExchangeId, Method, Output, Path, Request};
pub use path::{Paths, Verdict};
pub use reply::{Failure, Reply, RequestError};
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
use outbox::Outbox;
use output::Desk;
use path::PathManager;
use poll::{Exchange, Poll};
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// `online` and becoming visible happen to many clients at once: each waits a little, at random.
const WAKE: Duration = Duration::from_millis(250);

/// Messages that a driver is given at once, to be written to a WebSocket. The rest stays in the outbox until it has taken these.
const PACE: usize = 64;

/// Why an event or a request was not taken. Nothing of it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// There is no connection now, and none is waited for: it is closed, or [`WhileDown::Refuse`]. Normal.
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
    /// Too much is under way; see [`Config::max_queue`]. Try again later.
    #[error("too much is under way")]
    QueueFull,
    /// Only from [`Connection::restore`]: the item's number, or one above it, was given already. A mistake of the caller.
    #[error("item {} is not above those before", .0.number())]
    NumberGiven(ItemId),
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

/// Whether a driver's WebSocket takes more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    #[default]
    Free,
    /// It holds as much as it should: what is sent stays in the outbox, where it can be taken back.
    Full,
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
    outbox: Outbox,
    /// Whose the outbox is: `None` until a server has said who this is.
    owner: Option<Option<Value>>,
    state: State,
    user: Option<Value>,
    data: Value,
    /// What events travel on.
    live: Option<Carrier>,
    /// What is being opened: instead of a live carrier, or, while polling, to take over from it.
    candidate: Option<Carrier>,
    /// What the session's server sent has arrived up to here.
    ledger: Ledger,
    attempts: u32,
    violations: u32,
    opened_at: Instant,
    retry_at: Option<Instant>,
    climb_at: Option<Instant>,
    offline: bool,
    hidden: bool,
    flow: Flow,
}

impl Connection {
    /// A connection that does nothing until [`Connection::open`]. `random` gives numbers in 0 … 1, by which clients that
    /// lost their server together come back one by one; it must differ between them.
    #[must_use]
    pub fn new(config: Config, random: impl FnMut() -> f64 + Send + 'static) -> Self {
        let paths = PathManager::new(config.paths);
        let outbox = Outbox::new(config.outbox);
        Self {
            desk: Desk::new(config),
            dice: Dice(Box::new(random)),
            paths,
            outbox,
            owner: None,
            state: State::Idle,
            user: None,
            data: Value::Nil,
            live: None,
            candidate: None,
            ledger: Ledger::default(),
            attempts: 0,
            violations: 0,
            opened_at: Instant::ORIGIN,
            retry_at: None,
            climb_at: None,
            offline: false,
            hidden: false,
            flow: Flow::Free,
        }
    }

    // Getters.

    /// How the connection is doing.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Events and requests that are under way.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.outbox.len()
    }

    /// Whether an event or a request still waits and no server can have it: [`Connection::cancel`] would be in time.
    #[must_use]
    pub fn is_unsent(&self, item: ItemId) -> bool {
        self.outbox.is_unsent(item)
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

    /// Sends an event: at once, or when there is a connection. It is handled once and in order, over whatever connections there
    /// are until it is; only a server that was started again in between may handle it again. [`Output::Settled`] says, within
    /// `timeout`, what became of it.
    ///
    /// # Errors
    /// When it was not taken; nothing of it is sent.
    pub fn send(&mut self, now: Instant, event: &Event, timeout: Duration) -> Result<ItemId, SendError> {
        self.add(now, event, Wants::Nothing, timeout)
    }

    /// Sends an event that wants a reply, in the same way. The reply comes as [`Output::Settled`].
    ///
    /// # Errors
    /// When it was not taken; nothing of it is sent, and no reply comes.
    pub fn request(&mut self, now: Instant, event: &Event, timeout: Duration) -> Result<ItemId, SendError> {
        self.add(now, event, Wants::Reply, timeout)
    }

    /// Sends an event that is soon out of date: at once, or not at all, and never again. Nobody is told what became of it.
    ///
    /// # Errors
    /// When it was dropped, because it could not leave at once.
    pub fn send_volatile(&mut self, now: Instant, event: &Event) -> Result<(), SendError> {
        let message = self.message_of(event, &Value::Nil)?;
        match self.live.as_mut().map(|live| &mut live.link) {
            Some(Link::WebSocket(websocket)) if self.flow == Flow::Free && self.desk.transmits() < PACE => {
                self.desk.put(Output::Transmit { path: websocket.path, message });
                Ok(())
            }
            Some(Link::Poll(poll)) if poll.may_post() => {
                poll.post_aside(&mut self.desk, now, &message);
                Ok(())
            }
            Some(_) => Err(SendError::QueueFull),
            None => Err(SendError::Disconnected),
        }
    }

    /// Takes back what has not been sent. Returns whether it was in time; then it ends with [`RequestError::Cancelled`].
    pub fn cancel(&mut self, item: ItemId) -> bool {
        let unsent = self.outbox.is_unsent(item);
        if unsent {
            self.settle(item, Err(RequestError::Cancelled));
        }
        unsent
    }

    /// Ends the connection for good: what is under way fails with [`RequestError::Closed`]. [`Connection::open`] begins anew, with
    /// a new session.
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
        let sente = self.live.is_some() && self.desk.terms.session.is_none();
        self.let_go(&Close::because(CloseCode::NORMAL, "reconnect"));
        if sente {
            self.fail_given();
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

    /// Says whether the WebSocket takes more of what is sent. A driver that cannot hold outputs back uses it instead of
    /// leaving them where they are.
    pub fn set_flow(&mut self, flow: Flow) {
        self.flow = flow;
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

    /// A WebSocket's upgrade was answered with another status than 101. Where polling is possible a poll decides what that
    /// means, since the answer may be a proxy's; where it is not, this answer does.
    pub fn handle_refused(
        &mut self,
        now: Instant,
        path: Path,
        status: u16,
        body: &[u8],
        retry_after: Option<Duration>,
    ) {
        let polls = self.paths.allows(Transport::Poll);
        let loss = if polls { Loss::of_close(None) } else { Loss::of_status(status, body, retry_after) };
        if path.transport() == Transport::WebSocket {
            self.lost(now, path, loss);
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
        while let Some(item) = self.outbox.due(now) {
            self.settle(item, Err(RequestError::Timeout));
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
        if self.desk.transmits() == 0 {
            self.pump_websocket();
        }
        self.desk.take()
    }

    /// When [`Connection::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let carriers = [&self.live, &self.candidate].into_iter().flatten().filter_map(Carrier::next_timeout);
        let own = [self.retry_at, self.climb_at, self.ledger.next_timeout(), self.outbox.next_timeout()];
        carriers.chain(own.into_iter().flatten()).min()
    }

    // The rest is private.

    fn change(&mut self, state: State) {
        self.state = state.clone();
        self.desk.put(Output::State(state));
    }

    /// What ended before came too late, or twice: nobody wants it.
    fn settle(&mut self, item: ItemId, result: Reply) {
        if self.outbox.remove(item).is_some() {
            self.desk.put(Output::Settled { item, result });
        }
    }

    fn carrier_mut(&mut self, path: Path) -> Option<&mut Carrier> {
        [&mut self.live, &mut self.candidate].into_iter().flatten().find(|carrier| carrier.path() == path)
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
}
