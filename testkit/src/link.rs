//! A network that is as bad as a test wants, on a virtual clock.

use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use tsugi_proto::connection::{ExchangeId, Method, Path, Request};
use tsugi_proto::{Close, Instant, Message};

/// What happens to WebSockets that are opened from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebSockets {
    /// They work.
    #[default]
    Pass,
    /// A proxy refuses the upgrade.
    Refuse,
    /// A proxy accepts the upgrade and then stays mute.
    Mute,
}

/// What happens to HTTP requests that are made from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Requests {
    /// They work.
    #[default]
    Pass,
    /// Nobody answers the door.
    Fail,
    /// A proxy sends every GET twice, and passes on the answer that comes first.
    GetsTwice,
    /// A proxy sends everything twice.
    AllTwice,
    /// They arrive and are handled, and the answers are lost.
    LoseAnswers,
}

/// Whether anything arrives at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Air {
    /// It does.
    #[default]
    Clear,
    /// What is sent vanishes, and nobody is told: a half-open connection.
    Silent,
}

/// What becomes of an HTTP request that its client gives up before it has arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Late {
    /// It dies with its connection.
    #[default]
    Dies,
    /// It arrives all the same, long after the client has gone on elsewhere.
    Arrives,
}

/// One thing on its way.
#[derive(Debug)]
pub(crate) enum Flight {
    // To the server.
    Upgrade(Path),
    Up(Path, Message),
    Left(Path, Close),
    Ask(ExchangeId, Request),
    GiveUp(ExchangeId),
    // To the client.
    Down(Path, Message),
    Ended(Path, Option<Close>),
    Answer(ExchangeId, u16, Bytes),
    Failed(ExchangeId),
}

/// What keeps its order: one direction of a WebSocket, or one HTTP request. Each overtakes the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lane {
    Up(Path),
    Down(Path),
    Asked(ExchangeId),
    Answered(ExchangeId),
}

impl Flight {
    fn lane(&self) -> Lane {
        match self {
            Self::Upgrade(path) | Self::Up(path, _) | Self::Left(path, _) => Lane::Up(*path),
            Self::Down(path, _) | Self::Ended(path, _) => Lane::Down(*path),
            Self::Ask(exchange, _) | Self::GiveUp(exchange) => Lane::Asked(*exchange),
            Self::Answer(exchange, ..) | Self::Failed(exchange) => Lane::Answered(*exchange),
        }
    }
}

/// The network between two ends.
#[derive(Debug, Default)]
pub struct Link {
    /// How long one way takes at least.
    pub latency: Duration,
    /// How much longer it may take, at random. What travels on different connections overtakes each other then.
    pub jitter: Duration,
    /// Where the jitter comes from: another number, another run.
    pub dice: u64,
    /// How much longer HTTP takes, as behind a proxy that reads everything first.
    pub http_delay: Duration,
    /// What becomes of new WebSockets.
    pub websockets: WebSockets,
    /// What becomes of new HTTP requests.
    pub requests: Requests,
    /// Whether anything arrives.
    pub air: Air,
    /// What becomes of requests that are given up on their way.
    pub late: Late,
    flights: BTreeMap<(Instant, u64), Flight>,
    order: u64,
    latest: HashMap<Lane, Instant>,
    /// WebSockets that the client has, as far as it knows.
    sockets: Vec<Path>,
    /// Those that nothing gets through: once something was lost on a TCP connection, nothing after it arrives.
    dead: Vec<Path>,
    exchanges: BTreeSet<ExchangeId>,
}

impl Link {
    /// A network that works and takes so long for one way.
    #[must_use]
    pub fn with_latency(latency: Duration) -> Self {
        Self { latency, ..Self::default() }
    }

    /// Whether anything is on its way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.flights.is_empty()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.flights.first_key_value().map(|((at, _), _)| *at)
    }

    /// As [`Link::take_due`]; what arrives at a client that sleeps waits for it.
    pub(crate) fn take_due_for(&mut self, now: Instant, awake: bool) -> Option<Flight> {
        if awake {
            return self.take_due(now);
        }
        let up = |flight: &Flight| matches!(flight.lane(), Lane::Up(_) | Lane::Asked(_));
        let due = self.flights.range(..=(now, u64::MAX)).find(|(_, flight)| up(flight)).map(|(key, _)| *key)?;
        self.flights.remove(&due)
    }

    /// The client is gone without a word; what it had sent still arrives, and nothing comes back.
    pub(crate) fn forget(&mut self) {
        self.flights.retain(|_, flight| matches!(flight.lane(), Lane::Up(_) | Lane::Asked(_)));
        self.sockets.clear();
        self.exchanges.clear();
    }

    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Flight> {
        let entry = self.flights.first_entry().filter(|entry| entry.key().0 <= now)?;
        let flight = entry.remove();
        match &flight {
            Flight::Ended(path, _) => self.sockets.retain(|socket| socket != path),
            // The client gave it up, or knows already: it hears nothing more of it.
            Flight::Answer(exchange, ..) | Flight::Failed(exchange) if !self.exchanges.remove(exchange) => {
                return self.take_due(now);
            }
            _ => {}
        }
        Some(flight)
    }

    /// The client or the server lets go of something.
    pub(crate) fn put(&mut self, now: Instant, flight: Flight) {
        self.note(&flight);
        if self.swallows(&flight) {
            return;
        }
        match flight {
            Flight::Upgrade(path) if self.websockets == WebSockets::Refuse => {
                self.fly(now, 2, Flight::Ended(path, None));
            }
            Flight::Ask(exchange, ..) if self.requests == Requests::Fail => {
                self.fly(now, 2, Flight::Failed(exchange));
            }
            Flight::Answer(exchange, ..) if self.requests == Requests::LoseAnswers => {
                self.fly(now, 1, Flight::Failed(exchange));
            }
            Flight::Ask(exchange, request) if self.doubles(&request) => {
                self.fly(now, 1, Flight::Ask(exchange, request.clone()));
                self.fly(now, 1, Flight::Ask(exchange, request));
            }
            flight => self.fly(now, 1, flight),
        }
    }

    /// Cuts every connection there is: what is on its way is lost, and both ends are told.
    pub(crate) fn cut(&mut self, now: Instant) {
        self.flights.clear();
        self.latest.clear();
        for path in std::mem::take(&mut self.sockets) {
            self.fly(now, 0, Flight::Ended(path, None));
        }
        for exchange in self.exchanges.clone() {
            self.fly(now, 0, Flight::Failed(exchange));
        }
    }

    fn doubles(&self, request: &Request) -> bool {
        match self.requests {
            Requests::AllTwice => true,
            Requests::GetsTwice => request.method == Method::Get,
            Requests::Pass | Requests::Fail | Requests::LoseAnswers => false,
        }
    }

    fn note(&mut self, flight: &Flight) {
        match flight {
            Flight::Upgrade(path) => {
                self.sockets.push(*path);
                if self.websockets == WebSockets::Mute {
                    self.dead.push(*path);
                }
            }
            Flight::Left(path, _) => self.sockets.retain(|socket| socket != path),
            Flight::Ask(exchange, ..) => {
                self.exchanges.insert(*exchange);
            }
            Flight::GiveUp(exchange) => {
                self.exchanges.remove(exchange);
                // A request that is given up on its way mostly dies with its connection.
                if self.late == Late::Dies {
                    self.flights.retain(|_, flight| !matches!(flight, Flight::Ask(asked, _) if asked == exchange));
                }
            }
            _ => {}
        }
    }

    fn swallows(&mut self, flight: &Flight) -> bool {
        let path = match flight {
            Flight::Upgrade(path) | Flight::Up(path, _) | Flight::Left(path, _) => Some(*path),
            Flight::Down(path, _) | Flight::Ended(path, _) => Some(*path),
            _ => None,
        };
        if self.air == Air::Silent {
            self.dead.extend(path);
            return true;
        }
        path.is_some_and(|path| self.dead.contains(&path))
    }

    fn fly(&mut self, now: Instant, ways: u32, flight: Flight) {
        let lane = flight.lane();
        let http = if matches!(lane, Lane::Asked(_) | Lane::Answered(_)) { self.http_delay } else { Duration::ZERO };
        let once = self.latency + http + self.jitter.mul_f64(self.roll());
        let latest = self.latest.entry(lane).or_default();
        *latest = (*latest).max(now + once * ways);
        self.order += 1;
        self.flights.insert((*latest, self.order), flight);
    }

    /// Numbers that look random and are the same every time.
    fn roll(&mut self) -> f64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 40) as f64 / (1_u64 << 24) as f64
    }
}
