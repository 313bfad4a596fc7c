//! The server's end of a [`Pair`](crate::pair::Pair): real sessions, and as little of an event server as they need.
//!
//! It follows docs/wire.md and not the crate `tsugi`, so that what the client expects is checked against the page and on
//! a virtual clock. The real server is tested with the real client elsewhere.

mod hello;
mod items;
mod plant;
mod requests;

pub use plant::Plant;

use crate::link::Flight;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::connection::{ExchangeId, Path};
use tsugi_proto::session::{
    AfterClose, AfterLoss, Capacity, CarrierId, Config, EncodedEvent, Flush, Heartbeat, Item, Joiner, Profile, Rhythm,
    SessionEvent, Transmit, Transport, Upstream,
};
use tsugi_proto::{Close, CloseCode, Codec, Event, EventId, Frame, Instant, Message, Session, Value};

/// A request of this name is never answered.
pub const NEVER: &str = "test/never";

const HELLO_WITHIN: Duration = Duration::from_secs(3);

#[derive(Debug)]
struct CodecJoiner(Arc<dyn Codec>);

impl Joiner for CodecJoiner {
    fn join(&self, bodies: &[Bytes]) -> Frame {
        Frame::message(&self.0.join(bodies))
    }
}

/// An item of a client's outbox, handled.
#[derive(Clone, Debug, PartialEq)]
pub struct Handled {
    /// Whose it is.
    pub client: usize,
    /// Which of the server's lives.
    pub life: u32,
    /// Its number.
    pub item: u64,
    /// What it held.
    pub data: Value,
}

#[derive(Debug)]
struct Served {
    client: usize,
    session: Session,
    /// By what hello came last. A poll of before must not take the session back.
    transport: Transport,
    /// The outbox that it carries.
    outbox: Option<String>,
    /// The newest hello of its client.
    attempt: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Socket {
    /// No hello yet; closed at this moment.
    Greeting(Instant),
    Carries(u64, CarrierId),
}

#[derive(Debug)]
struct Held {
    session: u64,
    carrier: CarrierId,
    /// Goes before the frames: which item is next.
    head: Vec<Message>,
    frames: Vec<Frame>,
}

/// Sessions, and the carriers that they have.
#[derive(Debug)]
pub struct ServerEnd {
    codec: Arc<dyn Codec>,
    config: Arc<Config>,
    websocket: Arc<Profile>,
    poll: Arc<Profile>,
    sessions: BTreeMap<u64, Served>,
    /// Outboxes by name, each with the session that carries it.
    outboxes: BTreeMap<String, (Upstream, u64)>,
    /// The newest hello that named each of them.
    attempts: BTreeMap<String, u64>,
    next: u64,
    sockets: Vec<((usize, Path), Socket)>,
    held: Vec<((usize, ExchangeId), Held)>,
    out: Vec<(usize, Flight)>,
    /// Clients that read nothing: their carriers cannot write.
    pub(crate) deaf: BTreeSet<usize>,
    /// What is wrong on purpose.
    pub(crate) plant: Option<Plant>,
    /// The events that arrived, in order.
    pub received: Vec<(EventId, Value)>,
    /// What happened to sessions, in order.
    pub news: Vec<SessionEvent>,
    /// The items that were handled, in order.
    pub handled: Vec<Handled>,
    /// How often it was started again.
    pub life: u32,
    /// What clients did that they must not.
    pub complaints: Vec<String>,
}

impl ServerEnd {
    pub(crate) fn new(codec: Arc<dyn Codec>) -> Self {
        Self::with_queue(codec, 10_000)
    }

    /// With sessions that keep so many items.
    pub(crate) fn with_queue(codec: Arc<dyn Codec>, max_queue_items: usize) -> Self {
        let word = |name: &str| codec.encode(&Value::keyword(name), &Value::Nil);
        let ping = word("chsk/ws-ping").map(|message| Frame::message(&message));
        let nothing = Frame::message(&codec.join(&[]));
        let joiner = Arc::new(CodecJoiner(Arc::clone(&codec)));
        let config = Config {
            max_queue_items,
            max_queue_bytes: 16 * 1024 * 1024,
            max_inbox: 1_000,
            expire: Duration::from_secs(120),
            joiner,
        };
        let websocket = Heartbeat {
            every: Duration::from_secs(25),
            rhythm: Rhythm::AfterSilence,
            timeout: Some(Duration::from_secs(10)),
            frames: vec![ping.unwrap_or(nothing.clone())],
            close: Close::because(CloseCode::PING_TIMEOUT, "no answer to a ping"),
        };
        let poll = Heartbeat {
            every: Duration::from_secs(20),
            rhythm: Rhythm::WhenIdle,
            timeout: None,
            frames: vec![nothing],
            close: Close::because(CloseCode::NORMAL, ""),
        };
        let profile = |transport, capacity, heartbeat, grace| Profile {
            transport,
            capacity,
            heartbeat: Some(heartbeat),
            window: Duration::ZERO,
            grace: Duration::from_millis(grace),
            after_loss: AfterLoss::Wait,
        };
        Self {
            codec,
            config: Arc::new(config),
            websocket: Arc::new(profile(Transport::WebSocket, Capacity::Unlimited, websocket, 2_500)),
            poll: Arc::new(profile(Transport::Poll, Capacity::Bytes(256 * 1024), poll, 5_000)),
            sessions: BTreeMap::new(),
            outboxes: BTreeMap::new(),
            attempts: BTreeMap::new(),
            next: 0,
            sockets: Vec::new(),
            held: Vec::new(),
            out: Vec::new(),
            deaf: BTreeSet::new(),
            plant: None,
            received: Vec::new(),
            news: Vec::new(),
            handled: Vec::new(),
            life: 0,
            complaints: Vec::new(),
        }
    }

    /// Sessions that live.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// How many sessions there ever were.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.next
    }

    /// Pushes an event to every session of a client. Whether there was one.
    pub(crate) fn push_to(&mut self, now: Instant, client: usize, event: &Event) -> bool {
        let Some(event) = self.encode(event) else { return false };
        let mut any = false;
        for served in self.sessions.values_mut().filter(|served| served.client == client) {
            any |= served.session.send(now, Item::Event(Arc::clone(&event), Flush::Batched)).is_ok();
        }
        any
    }

    /// The most that a session holds, items and bytes.
    pub(crate) fn fullest(&self) -> (usize, usize) {
        let held = |served: &Served| served.session.queued() + served.session.unacknowledged();
        let sizes = self.sessions.values().map(|served| (held(served), served.session.queued_bytes()));
        sizes.fold((0, 0), |most, size| (most.0.max(size.0), most.1.max(size.1)))
    }

    fn encode(&self, event: &Event) -> Option<Arc<EncodedEvent>> {
        let body = self.codec.encode_event(event).ok()?;
        let frame = Frame::message(&self.codec.join(std::slice::from_ref(&body)));
        Some(Arc::new(EncodedEvent { body, frame }))
    }

    /// Pushes an event to every session.
    pub(crate) fn push(&mut self, now: Instant, event: &Event) {
        let Some(event) = self.encode(event) else { return };
        for served in self.sessions.values_mut() {
            // One that is full or closed says so among the news.
            let _ = served.session.send(now, Item::Event(Arc::clone(&event), Flush::Batched));
        }
    }

    /// Closes every session.
    pub(crate) fn close(&mut self, now: Instant, close: &Close) {
        self.sessions.values_mut().for_each(|served| served.session.close(now, close.clone()));
    }

    /// Everything in memory is gone; clients are told to come back, each at another moment.
    pub(crate) fn restart(&mut self) {
        self.sessions.clear();
        self.outboxes.clear();
        self.attempts.clear();
        self.life += 1;
        let close = Close::because(CloseCode::RESTART, "restart");
        let mut slots = (1..).map(|turn| Value::Integer(turn * 500));
        for ((who, path), socket) in std::mem::take(&mut self.sockets) {
            // Before its welcome a client expects nothing else, and one that reads nothing may not have got that.
            let is_welcome = matches!(socket, Socket::Carries(..)) && !self.deaf.contains(&who);
            let retry = slots.next().filter(|_| is_welcome).and_then(|slot| self.packet("chsk/retry", slot));
            self.out.extend(retry.map(|retry| (who, Flight::Down(path, retry))));
            self.out.push((who, Flight::Ended(path, Some(close.clone()))));
        }
        for (exchange, _) in std::mem::take(&mut self.held) {
            let retry = slots.next().and_then(|slot| self.packet("chsk/retry", slot));
            let messages: Vec<_> = retry.into_iter().chain(self.close_packet(&close)).collect();
            let body = self.codec.concat(&messages);
            self.answer(exchange, 200, &body);
        }
    }

    /// A connection was cut, and this end was told.
    pub(crate) fn cut(&mut self, now: Instant, client: usize) {
        for (_, socket) in self.sockets.extract_if(.., |((who, _), _)| *who == client).collect::<Vec<_>>() {
            if let Socket::Carries(session, carrier) = socket {
                self.detach(now, session, carrier);
            }
        }
        for (_, held) in self.held.extract_if(.., |((who, _), _)| *who == client).collect::<Vec<_>>() {
            self.detach(now, held.session, held.carrier);
        }
    }

    pub(crate) fn handle(&mut self, now: Instant, who: usize, flight: Flight) {
        match flight {
            Flight::Upgrade(path) => {
                self.sockets.push(((who, path), Socket::Greeting(now + HELLO_WITHIN)));
                let handshake = self.handshake();
                self.out.push((who, Flight::Down(path, handshake)));
            }
            Flight::Up(path, message) => self.websocket_said(now, (who, path), &message),
            Flight::Left(path, close) => {
                if let Some(Socket::Carries(session, carrier)) = self.take_socket((who, path))
                    && let Some(served) = self.sessions.get_mut(&session)
                {
                    served.session.handle_close(now, carrier, Some(close), AfterClose::Detach);
                }
            }
            Flight::Ask(exchange, request) => self.asked(now, (who, exchange), &request),
            Flight::GiveUp(exchange) => {
                while let Some(index) = self.held.iter().position(|(id, _)| *id == (who, exchange)) {
                    let (_, held) = self.held.remove(index);
                    self.detach(now, held.session, held.carrier);
                }
            }
            Flight::Down(..) | Flight::Ended(..) | Flight::Answer(..) | Flight::Failed(_) => {}
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let greetings = self.sockets.iter().filter_map(|(_, socket)| match socket {
            Socket::Greeting(until) => Some(*until),
            Socket::Carries(..) => None,
        });
        self.sessions.values().filter_map(|served| served.session.poll_timeout()).chain(greetings).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.sessions.values_mut().for_each(|served| served.session.handle_timeout(now));
        let late = |socket: &((usize, Path), Socket)| matches!(socket.1, Socket::Greeting(until) if until <= now);
        while let Some(index) = self.sockets.iter().position(late) {
            let ((who, path), _) = self.sockets.remove(index);
            let close = Close::because(CloseCode::NO_HELLO, "no hello in time");
            self.out.push((who, Flight::Ended(path, Some(close))));
        }
    }

    /// What every carrier has to write now.
    pub(crate) fn drain(&mut self, now: Instant) -> Vec<(usize, Flight)> {
        for (path, socket) in self.sockets.clone() {
            if self.deaf.contains(&path.0) {
                continue;
            }
            if let Socket::Carries(session, carrier) = socket {
                self.write_websocket(now, path, session, carrier);
            }
        }
        for (exchange, mut held) in std::mem::take(&mut self.held) {
            if self.deaf.contains(&exchange.0) || self.write_poll(now, exchange, &mut held) {
                self.held.push((exchange, held));
            }
        }
        for served in self.sessions.values_mut() {
            while let Some(event) = served.session.poll_event() {
                match (event, served.outbox.as_ref().and_then(|name| self.outboxes.get_mut(name))) {
                    (SessionEvent::Undelivered(_), _) if self.plant == Some(Plant::LosesReplies) => {}
                    (SessionEvent::Undelivered(replies), Some((upstream, _))) => {
                        replies.into_iter().for_each(|(number, reply)| upstream.keep(number, reply));
                    }
                    (event, _) => self.news.push(event),
                }
            }
        }
        self.sessions.retain(|_, served| !served.session.is_closed());
        std::mem::take(&mut self.out)
    }

    // The rest is private.

    fn write_websocket(&mut self, now: Instant, path: (usize, Path), session: u64, carrier: CarrierId) {
        let taken_over = Close::because(CloseCode::TAKEN_OVER, "taken over");
        let close = loop {
            let Some(served) = self.sessions.get_mut(&session) else { break taken_over };
            match served.session.poll_transmit(now, carrier) {
                Transmit::Frame { frame, .. } => {
                    self.out.extend(frame.to_message().map(|message| (path.0, Flight::Down(path.1, message))));
                }
                Transmit::Pending => return,
                Transmit::Close(close) => break close,
                Transmit::Fenced => break taken_over,
            }
        };
        self.take_socket(path);
        self.out.push((path.0, Flight::Ended(path.1, Some(close))));
    }

    /// Whether the poll is held on.
    fn write_poll(&mut self, now: Instant, exchange: (usize, ExchangeId), held: &mut Held) -> bool {
        let close = loop {
            let Some(served) = self.sessions.get_mut(&held.session) else { break None };
            match served.session.poll_transmit(now, held.carrier) {
                Transmit::Frame { frame, last } => {
                    held.frames.push(frame);
                    if last {
                        break None;
                    }
                }
                Transmit::Pending => return true,
                Transmit::Close(close) => break Some(close),
                Transmit::Fenced => break None,
            }
        };
        let mut messages: Vec<_> = held.frames.iter().filter_map(Frame::to_message).collect();
        if !messages.is_empty() {
            messages.splice(0..0, held.head.drain(..));
        }
        messages.extend(close.and_then(|close| self.close_packet(&close)));
        if messages.is_empty() {
            messages.push(self.codec.join(&[]));
        }
        let body = self.codec.concat(&messages);
        self.answer(exchange, 200, &body);
        false
    }

    fn close_packet(&self, close: &Close) -> Option<Message> {
        let data = Value::Map(vec![
            (Value::keyword("code"), Value::Integer(close.code.get().into())),
            (Value::keyword("reason"), Value::string(close.reason.as_str())),
        ]);
        self.packet("chsk/close", data)
    }

    fn packet(&self, id: &str, data: Value) -> Option<Message> {
        self.codec.encode(&Value::Vector(vec![Value::keyword(id), data]), &Value::Nil).ok()
    }

    fn handshake(&self) -> Message {
        let extension = Value::Map(vec![(Value::keyword("tsugi"), Value::Integer(1))]);
        let arguments = vec![Value::string("ann"), Value::Nil, Value::Nil, extension];
        self.packet("chsk/handshake", Value::Vector(arguments)).unwrap_or(self.codec.join(&[]))
    }

    fn answer(&mut self, exchange: (usize, ExchangeId), status: u16, message: &Message) {
        self.out.push((exchange.0, Flight::Answer(exchange.1, status, message.as_bytes().clone())));
    }

    fn take_socket(&mut self, path: (usize, Path)) -> Option<Socket> {
        let index = self.sockets.iter().position(|(socket, _)| *socket == path)?;
        Some(self.sockets.remove(index).1)
    }

    fn detach(&mut self, now: Instant, session: u64, carrier: CarrierId) {
        if let Some(served) = self.sessions.get_mut(&session) {
            served.session.detach(now, carrier);
        }
    }

    fn websocket_said(&mut self, now: Instant, path: (usize, Path), message: &Message) {
        let Some(index) = self.sockets.iter().position(|(socket, _)| *socket == path) else { return };
        match self.sockets[index].1 {
            Socket::Greeting(_) => self.greeted(now, index, message),
            Socket::Carries(session, carrier) => {
                let Some(served) = self.sessions.get_mut(&session) else { return };
                served.session.handle_message(now, carrier, message.clone());
                while let Some(message) = self.sessions.get_mut(&session).and_then(|it| it.session.receive()) {
                    if let Ok(received) = self.codec.decode_event(message) {
                        self.received(now, session, received);
                    }
                }
            }
        }
    }
}

fn count(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn natural(value: &Value) -> u64 {
    if let Value::Integer(number) = value { u64::try_from(*number).unwrap_or_default() } else { 0 }
}
