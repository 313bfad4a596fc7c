//! Both ends of the protocol in one thread, on a virtual clock.

use crate::link::{Flight, Link};
use crate::server_end::ServerEnd;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::connection::{Config, Connection, Gap, ItemId, Output, Page, Reply, SEND_TIMEOUT, SendError, State};
use tsugi_proto::{Close, Codec, Event, Instant, Value};

/// A real client's end and real sessions, with a [`Link`] between them. Time passes only when a test says so.
#[derive(Debug)]
pub struct Pair {
    now: Instant,
    /// The client's end. Go through the methods of `Pair` for whatever makes it do something.
    pub client: Connection,
    /// The server's end.
    pub server: ServerEnd,
    /// The network between them.
    pub link: Link,
    /// The events that the client was told, in order.
    pub events: Vec<Event>,
    /// How events and requests ended, in order.
    pub settled: Vec<(ItemId, Reply)>,
    /// What it was told that it will not get.
    pub gaps: Vec<Gap>,
    /// The client's states, with the time of each.
    pub states: Vec<(Instant, State)>,
    /// When the client asked for a WebSocket.
    pub upgrades: Vec<Instant>,
}

/// A step that changes nothing may happen a few times in a row, not for ever.
const MAX_STEPS: usize = 1_000_000;

impl Pair {
    /// Two ends that have not heard of each other. `random` is the client's; see [`Connection::new`].
    #[must_use]
    pub fn new(codec: Arc<dyn Codec>, link: Link, random: impl FnMut() -> f64 + Send + 'static) -> Self {
        let config = Config::new(Arc::clone(&codec), "client", [7; 16]);
        let client = Connection::new(config.expect("a client id as it should be"), random);
        Self {
            now: Instant::after_origin(Duration::from_secs(1)),
            client,
            server: ServerEnd::new(codec),
            link,
            events: Vec::new(),
            settled: Vec::new(),
            gaps: Vec::new(),
            states: Vec::new(),
            upgrades: Vec::new(),
        }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Whether events go both ways.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.client.state(), State::Open(_))
    }

    /// How an event or a request ended, if it did.
    #[must_use]
    pub fn reply(&self, item: ItemId) -> Option<&Reply> {
        self.settled.iter().find(|(id, _)| *id == item).map(|(_, reply)| reply)
    }

    // The client's application.

    /// Begins.
    pub fn open(&mut self) {
        self.act(Connection::open);
    }

    /// See [`Connection::send`].
    ///
    /// # Errors
    /// As there.
    pub fn send(&mut self, event: &Event) -> Result<ItemId, SendError> {
        self.act(|client, now| client.send(now, event, SEND_TIMEOUT))
    }

    /// See [`Connection::request`].
    ///
    /// # Errors
    /// As there.
    pub fn request(&mut self, event: &Event, timeout: Duration) -> Result<ItemId, SendError> {
        self.act(|client, now| client.request(now, event, timeout))
    }

    /// See [`Connection::set_page`].
    pub fn set_page(&mut self, page: Page) {
        self.act(|client, now| client.set_page(now, page));
    }

    /// See [`Connection::reconnect`].
    pub fn reconnect(&mut self) {
        self.act(Connection::reconnect);
    }

    // The server's application.

    /// Pushes to every session.
    pub fn push(&mut self, event: &Event) {
        self.server.push(self.now, event);
        self.drain();
    }

    /// Closes every session.
    pub fn close_sessions(&mut self, close: &Close) {
        self.server.close(self.now, close);
        self.drain();
    }

    /// The server forgets everything, and is there again at once.
    pub fn restart_server(&mut self) {
        self.server.restart();
        self.drain();
    }

    // The world.

    /// Cuts every connection there is; both ends are told.
    pub fn cut(&mut self) {
        self.server.cut(self.now, 0);
        self.drain();
        self.link.cut(self.now);
        self.deliver();
    }

    /// Lets time pass, with everything that is due in it.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
        self.now = until;
    }

    /// Lets things happen until `done`, but no longer than `limit`. Returns whether it is.
    pub fn pass_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + limit;
        while !done(self) && self.step(until) {}
        done(self)
    }

    /// Lets what is on its way arrive, and what follows from it.
    pub fn settle(&mut self) {
        for _ in 0..MAX_STEPS {
            match self.link.next() {
                Some(at) => self.step(at),
                None => return,
            };
        }
        panic!("the two ends never fall silent");
    }

    /// Does what is due next, if that is by `until`.
    fn step(&mut self, until: Instant) -> bool {
        let due = [self.link.next(), self.client.poll_timeout(), self.server.next_timeout()];
        let Some(next) = due.into_iter().flatten().min().filter(|next| *next <= until) else { return false };
        self.now = self.now.max(next);
        let now = self.now;
        self.deliver();
        if self.client.poll_timeout().is_some_and(|at| at <= now) {
            self.act(Connection::handle_timeout);
            assert!(self.client.poll_timeout().is_none_or(|at| at > now), "the client's timer is still due");
        }
        self.server.handle_timeout(now);
        self.drain();
        true
    }

    fn deliver(&mut self) {
        while let Some(flight) = self.link.take_due(self.now) {
            self.arrive(flight);
            self.drain();
        }
    }

    fn arrive(&mut self, flight: Flight) {
        let now = self.now;
        match flight {
            Flight::Down(path, message) => self.client.handle_message(now, path, &message),
            Flight::Ended(path, close) => self.client.handle_closed(now, path, close),
            Flight::Answer(exchange, status, body) => self.client.handle_response(now, exchange, status, body, None),
            Flight::Failed(exchange) => self.client.handle_failure(now, exchange, "cut"),
            flight => self.server.handle(now, 0, flight),
        }
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Connection, Instant) -> T) -> T {
        let result = act(&mut self.client, self.now);
        self.drain();
        result
    }

    /// Both ends' duty after any call.
    fn drain(&mut self) {
        while let Some(output) = self.client.poll() {
            self.carry_out(output);
        }
        assert!(self.server.complaints.is_empty(), "{:?}", self.server.complaints);
        for (_, flight) in self.server.drain(self.now) {
            self.link.put(self.now, flight);
        }
    }

    fn carry_out(&mut self, output: Output) {
        let flight = match output {
            Output::Connect { path, .. } => {
                self.upgrades.push(self.now);
                Flight::Upgrade(path)
            }
            Output::Transmit { path, message } => Flight::Up(path, message),
            Output::Disconnect { path, close } => Flight::Left(path, close),
            Output::Exchange { exchange, request } => Flight::Ask(exchange, request),
            Output::Abort { exchange } => Flight::GiveUp(exchange),
            Output::Event(event) => return self.events.push(event),
            Output::Settled { item, result } => return self.settled.push((item, result)),
            Output::State(state) => return self.states.push((self.now, state)),
            Output::Gap(gap) => return self.gaps.push(gap),
            Output::BadEvent(value) => panic!("no event: {value:?}"),
        };
        self.link.put(self.now, flight);
    }
}

/// The numbers that events of one name carry, in order.
#[must_use]
pub fn numbers<'e>(events: impl IntoIterator<Item = (&'e str, &'e Value)>, name: &str) -> Vec<i64> {
    let number = |value: &Value| if let Value::Integer(number) = value { Some(*number) } else { None };
    events.into_iter().filter(|(id, _)| *id == name).filter_map(|(_, data)| number(data)).collect()
}
