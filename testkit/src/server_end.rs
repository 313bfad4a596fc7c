//! The server's end of a [`Pair`](crate::pair::Pair): real sessions, and as little of an event server as they need.
//!
//! It follows docs/wire.md and not the crate `tsugi`, so that what the client expects is checked against the page and on
//! a virtual clock. The real server is tested with the real client elsewhere.

use crate::link::Flight;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::codec::Form;
use tsugi_proto::connection::{ExchangeId, Method, Path, Request};
use tsugi_proto::packet::Received;
use tsugi_proto::session::{
    AfterClose, AfterLoss, Arrival, Capacity, CarrierId, Config, EncodedEvent, Flush, Heartbeat, Item, Joiner, Profile,
    Rhythm, SessionEvent, Transmit, Transport, Upstream,
};
use tsugi_proto::{Close, CloseCode, Codec, Event, EventId, Frame, Instant, Message, Session, Utf8Bytes, Value};

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

#[derive(Debug)]
struct Served {
    session: Session,
    /// By what hello came last. A poll of before must not take the session back.
    transport: Transport,
    /// The outbox that it carries.
    outbox: Option<String>,
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
    next: u64,
    sockets: Vec<(Path, Socket)>,
    held: Vec<(ExchangeId, Held)>,
    out: Vec<Flight>,
    /// The events that arrived, in order.
    pub received: Vec<(EventId, Value)>,
    /// What happened to sessions, in order.
    pub news: Vec<SessionEvent>,
}

impl ServerEnd {
    pub(crate) fn new(codec: Arc<dyn Codec>) -> Self {
        let word = |name: &str| codec.encode(&Value::keyword(name), &Value::Nil);
        let ping = word("chsk/ws-ping").map(|message| Frame::message(&message));
        let nothing = Frame::message(&codec.join(&[]));
        let joiner = Arc::new(CodecJoiner(Arc::clone(&codec)));
        let config = Config {
            max_queue_items: 10_000,
            max_queue_bytes: 16 * 1024 * 1024,
            max_inbox: 1_000,
            expire: Duration::from_secs(120),
            joiner,
        };
        let websocket = Heartbeat {
            every: Duration::from_millis(12_500),
            rhythm: Rhythm::WhenIdle,
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
            next: 0,
            sockets: Vec::new(),
            held: Vec::new(),
            out: Vec::new(),
            received: Vec::new(),
            news: Vec::new(),
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

    /// Pushes an event to every session.
    pub(crate) fn push(&mut self, now: Instant, event: &Event) {
        let Ok(body) = self.codec.encode_event(event) else { return };
        let frame = Frame::message(&self.codec.join(std::slice::from_ref(&body)));
        let event = Arc::new(EncodedEvent { body, frame });
        for served in self.sessions.values_mut() {
            // One that is full or closed says so among the news.
            let _ = served.session.send(now, Item::Event(Arc::clone(&event), Flush::Batched));
        }
    }

    /// Closes every session.
    pub(crate) fn close(&mut self, now: Instant, close: &Close) {
        self.sessions.values_mut().for_each(|served| served.session.close(now, close.clone()));
    }

    /// Everything in memory is gone; WebSockets are told to come back.
    pub(crate) fn restart(&mut self) {
        self.sessions.clear();
        self.outboxes.clear();
        let close = Close::because(CloseCode::RESTART, "restart");
        let ended = self.sockets.drain(..).map(|(path, _)| Flight::Ended(path, Some(close.clone())));
        self.out.extend(ended);
        self.out.extend(self.held.drain(..).map(|(exchange, _)| Flight::Failed(exchange)));
    }

    /// A connection was cut, and this end was told.
    pub(crate) fn cut(&mut self, now: Instant) {
        for (_, socket) in std::mem::take(&mut self.sockets) {
            if let Socket::Carries(session, carrier) = socket {
                self.detach(now, session, carrier);
            }
        }
        for (_, held) in std::mem::take(&mut self.held) {
            self.detach(now, held.session, held.carrier);
        }
    }

    pub(crate) fn handle(&mut self, now: Instant, flight: Flight) {
        match flight {
            Flight::Upgrade(path) => {
                self.sockets.push((path, Socket::Greeting(now + HELLO_WITHIN)));
                let handshake = self.handshake();
                self.out.push(Flight::Down(path, handshake));
            }
            Flight::Up(path, message) => self.websocket_said(now, path, &message),
            Flight::Left(path, close) => {
                if let Some(Socket::Carries(session, carrier)) = self.take_socket(path)
                    && let Some(served) = self.sessions.get_mut(&session)
                {
                    served.session.handle_close(now, carrier, Some(close), AfterClose::Detach);
                }
            }
            Flight::Ask(exchange, request) => self.asked(now, exchange, &request),
            Flight::GiveUp(exchange) => {
                while let Some(index) = self.held.iter().position(|(id, _)| *id == exchange) {
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
        let late = |socket: &(Path, Socket)| matches!(socket.1, Socket::Greeting(until) if until <= now);
        while let Some(index) = self.sockets.iter().position(late) {
            let (path, _) = self.sockets.remove(index);
            let close = Close::because(CloseCode::NO_HELLO, "no hello in time");
            self.out.push(Flight::Ended(path, Some(close)));
        }
    }

    /// What every carrier has to write now.
    pub(crate) fn drain(&mut self, now: Instant) -> Vec<Flight> {
        for (path, socket) in self.sockets.clone() {
            if let Socket::Carries(session, carrier) = socket {
                self.write_websocket(now, path, session, carrier);
            }
        }
        for (exchange, mut held) in std::mem::take(&mut self.held) {
            if self.write_poll(now, exchange, &mut held) {
                self.held.push((exchange, held));
            }
        }
        for served in self.sessions.values_mut() {
            while let Some(event) = served.session.poll_event() {
                match (event, served.outbox.as_ref().and_then(|name| self.outboxes.get_mut(name))) {
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

    fn write_websocket(&mut self, now: Instant, path: Path, session: u64, carrier: CarrierId) {
        let taken_over = Close::because(CloseCode::TAKEN_OVER, "taken over");
        let close = loop {
            let Some(served) = self.sessions.get_mut(&session) else { break taken_over };
            match served.session.poll_transmit(now, carrier) {
                Transmit::Frame { frame, .. } => {
                    self.out.extend(frame.to_message().map(|message| Flight::Down(path, message)));
                }
                Transmit::Pending => return,
                Transmit::Close(close) => break close,
                Transmit::Fenced => break taken_over,
            }
        };
        self.take_socket(path);
        self.out.push(Flight::Ended(path, Some(close)));
    }

    /// Whether the poll is held on.
    fn write_poll(&mut self, now: Instant, exchange: ExchangeId, held: &mut Held) -> bool {
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

    fn answer(&mut self, exchange: ExchangeId, status: u16, message: &Message) {
        self.out.push(Flight::Answer(exchange, status, message.as_bytes().clone()));
    }

    fn take_socket(&mut self, path: Path) -> Option<Socket> {
        let index = self.sockets.iter().position(|(socket, _)| *socket == path)?;
        Some(self.sockets.remove(index).1)
    }

    fn detach(&mut self, now: Instant, session: u64, carrier: CarrierId) {
        if let Some(served) = self.sessions.get_mut(&session) {
            served.session.detach(now, carrier);
        }
    }

    fn websocket_said(&mut self, now: Instant, path: Path, message: &Message) {
        let Some(index) = self.sockets.iter().position(|(socket, _)| *socket == path) else { return };
        match self.sockets[index].1 {
            Socket::Greeting(_) => self.greeted(now, index, message),
            Socket::Carries(session, carrier) => {
                let Some(served) = self.sessions.get_mut(&session) else { return };
                served.session.handle_message(carrier, message.clone());
                while let Some(message) = self.sessions.get_mut(&session).and_then(|it| it.session.receive()) {
                    if let Ok(received) = self.codec.decode_event(&message) {
                        self.received(now, session, received);
                    }
                }
            }
        }
    }

    fn greeted(&mut self, now: Instant, index: usize, message: &Message) {
        let path = self.sockets[index].0;
        let received = self.codec.decode_event(message).ok();
        match received.and_then(|received| self.hello(now, &received, Transport::WebSocket)) {
            Some((session, received, welcome)) => {
                let Some(served) = self.sessions.get_mut(&session) else { return };
                let profile = Arc::clone(&self.websocket);
                let resumed = served.session.resume(now, profile, received, |_| Some(Frame::message(&welcome)));
                let (carrier, _) = resumed.expect("hello was checked");
                self.sockets[index].1 = Socket::Carries(session, carrier);
                self.send_kept(now, session);
            }
            None => {
                self.sockets.remove(index);
                let close = Close::because(CloseCode::NO_HELLO, "hello must come first");
                self.out.push(Flight::Ended(path, Some(close)));
            }
        }
    }

    /// The session that goes on or begins, how much of it the client has, and the word for it. `None` when it is no hello.
    fn hello(&mut self, now: Instant, received: &Received, transport: Transport) -> Option<(u64, u64, Message)> {
        let Received::Event { id, data, .. } = received else { return None };
        if id.as_str() != "chsk/hello" {
            return None;
        }
        let data: Value = tsugi_proto::codec::deserialize(self.codec.as_ref(), data.as_deref()).ok()?;
        let named = data.get("session").and_then(Value::as_text).and_then(|text| text.parse().ok());
        let living = named.filter(|named| self.sessions.get(named).is_some_and(|it| !it.session.is_closing()));
        let received = data.get("received").map_or(0, natural);
        let (session, received, outcome) = match living {
            Some(session) => (session, received, "resumed"),
            None => (self.begin(now, transport), 0, "new"),
        };
        let outbox = data.get("outbox").and_then(Value::as_text).map(str::to_owned);
        let (taken, handled) = outbox.map(|name| self.bring_outbox(name, session)).unwrap_or_default();
        let served = self.sessions.get_mut(&session)?;
        served.transport = transport;
        let resumed = served.session.plan(received).expect("the client has what was sent");
        let what = vec![
            (Value::keyword("session"), Value::string(&session.to_string())),
            (Value::keyword("outcome"), Value::keyword(outcome)),
            (Value::keyword("next"), count(resumed.next)),
            (Value::keyword("taken"), count(taken)),
            (Value::keyword("handled"), count(handled)),
        ];
        Some((session, received, self.packet("chsk/welcome", Value::Map(what))?))
    }

    /// How much of the outbox was taken, and how much of that handled. An outbox has one session at a time.
    fn bring_outbox(&mut self, name: String, session: u64) -> (u64, u64) {
        let (upstream, carrier) = self.outboxes.entry(name.clone()).or_insert_with(|| (Upstream::default(), session));
        let before = std::mem::replace(carrier, session);
        let counts = (upstream.taken(), upstream.handled());
        if before != session
            && let Some(before) = self.sessions.get_mut(&before)
        {
            before.session.abort(Close::because(CloseCode::TAKEN_OVER, "its outbox has another session"));
        }
        if let Some(served) = self.sessions.get_mut(&session) {
            served.outbox = Some(name);
        }
        counts
    }

    /// Replies that sessions of before could not deliver.
    fn send_kept(&mut self, now: Instant, session: u64) {
        // First, what the session of before has still to hand back.
        let flights = self.drain(now);
        self.out.extend(flights);
        let Some(served) = self.sessions.get_mut(&session) else { return };
        let Some((upstream, _)) = served.outbox.as_ref().and_then(|name| self.outboxes.get_mut(name)) else { return };
        while let Some((number, reply)) = upstream.take_reply() {
            if served.session.send(now, Item::Reply(number, reply.clone())).is_err() {
                return upstream.keep(number, reply);
            }
        }
    }

    fn begin(&mut self, now: Instant, transport: Transport) -> u64 {
        self.next += 1;
        let mut session = Session::new(now, Arc::clone(&self.config));
        session.keep();
        self.sessions.insert(self.next, Served { session, transport, outbox: None });
        self.next
    }

    fn asked(&mut self, now: Instant, exchange: ExchangeId, request: &Request) {
        let header = request.headers.iter().find(|(name, _)| *name == "Tsugi-Session").map(|(_, value)| value);
        let session = header.and_then(|text| text.parse().ok()).filter(|id| self.sessions.contains_key(id));
        let shakes_hands = header.is_none() || request.query.iter().any(|(name, _)| name == "handshake?");
        match (request.method, session) {
            (Method::Get, _) if shakes_hands => {
                let handshake = self.handshake();
                self.answer(exchange, 200, &handshake);
            }
            (Method::Get, Some(session)) => {
                let ack = request.query.iter().find(|(name, _)| name == "ack").map(|(_, value)| value);
                let received = ack.and_then(|text| text.parse().ok()).expect("every poll says what arrived");
                self.poll(now, exchange, session, received);
            }
            (Method::Post, session) => self.posted(now, exchange, &request.body, session),
            (Method::Get, None) => self.answer(exchange, 409, &Message::text("")),
        }
    }

    fn poll(&mut self, now: Instant, exchange: ExchangeId, session: u64, received: u64) {
        let Some(served) = self.sessions.get_mut(&session) else { return };
        if served.transport != Transport::Poll {
            let nothing = self.codec.join(&[]);
            return self.answer(exchange, 200, &nothing);
        }
        let Ok((carrier, resumed)) = served.session.resume(now, Arc::clone(&self.poll), received, |_| None) else {
            return self.answer(exchange, 409, &Message::text(""));
        };
        let head = self.packet("chsk/from", count(resumed.next)).into_iter().collect();
        self.held.push((exchange, Held { session, carrier, head, frames: Vec::new() }));
    }

    fn posted(&mut self, now: Instant, exchange: ExchangeId, body: &Bytes, session: Option<u64>) {
        let message = match self.codec.form() {
            Form::Binary => Some(Message::Binary(body.clone())),
            Form::Text => Utf8Bytes::new(body.clone()).map(Message::Text).ok(),
        };
        let decoded = message.and_then(|message| self.codec.decode_events(&message).ok());
        let Some(received) = decoded else { return self.answer(exchange, 400, &Message::text("")) };
        let hello = received.first().and_then(|first| self.hello(now, first, Transport::Poll));
        if let Some((session, _, welcome)) = hello {
            self.send_kept(now, session);
            return self.answer(exchange, 200, &welcome);
        }
        let Some(session) = session else { return self.answer(exchange, 409, &Message::text("")) };
        received.into_iter().for_each(|received| self.received(now, session, received));
        let taken = self.codec.encode(&Value::keyword("chsk/dummy-cb-200"), &Value::Nil);
        let taken = taken.unwrap_or(self.codec.join(&[]));
        self.answer(exchange, 200, &taken);
    }

    /// Every request is answered with its own data.
    fn received(&mut self, now: Instant, session: u64, received: Received) {
        let Received::Event { id, data, slot } = received else { return };
        let Some(number) = self.take(session, &slot) else { return };
        let data: Value = tsugi_proto::codec::deserialize(self.codec.as_ref(), data.as_deref()).unwrap_or_default();
        let reply = match id.as_str() {
            NEVER => None,
            "chsk/ack" => {
                let served = self.sessions.get_mut(&session).filter(|_| matches!(data, Value::Integer(_)));
                let acknowledged = served.map(|served| served.session.acknowledge(natural(&data)));
                assert_eq!(acknowledged, Some(Ok(())), "the client has what was sent");
                None
            }
            "chsk/ws-ping" => Some(Value::string("pong")),
            _ => Some(data.clone()),
        };
        if !id.is_reserved() {
            self.received.push((id, data));
        }
        let wanted = reply.filter(|_| !slot.is_nil() && !matches!(slot, Value::Integer(..0)));
        let reply = wanted.and_then(|reply| self.codec.encode(&reply, &slot).ok()).map(|it| Frame::message(&it));
        self.finish(now, session, number, reply);
    }

    /// The number of an item that is to be handled, 0 for what is none; `None` for one that came before.
    fn take(&mut self, session: u64, slot: &Value) -> Option<u64> {
        let Value::Integer(slot) = slot else { return Some(0) };
        let served = self.sessions.get(&session)?;
        let Some((upstream, _)) = served.outbox.as_ref().and_then(|name| self.outboxes.get_mut(name)) else {
            return Some(0);
        };
        let number = slot.unsigned_abs();
        (number == 0 || upstream.arrive(number) == Arrival::New).then_some(number)
    }

    /// Answers, or tells that it was handled.
    fn finish(&mut self, now: Instant, session: u64, number: u64, reply: Option<Frame>) {
        let Some(served) = self.sessions.get_mut(&session) else { return };
        let upstream = served.outbox.as_ref().and_then(|name| self.outboxes.get_mut(name)).map(|it| &mut it.0);
        let item = match (reply, upstream) {
            (Some(reply), Some(upstream)) if number > 0 => {
                upstream.finish(number);
                Item::Reply(number, reply)
            }
            (Some(reply), _) => Item::Message(reply),
            (None, Some(upstream)) if number > 0 => {
                upstream.finish(number);
                let handled = upstream.handled();
                let Some(packet) = self.packet("chsk/handled", count(handled)) else { return };
                Item::Control(Frame::message(&packet))
            }
            (None, _) => return,
        };
        // One that is full or closed says so among the news.
        if let Some(served) = self.sessions.get_mut(&session) {
            let _ = served.session.send(now, item);
        }
    }
}

fn count(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn natural(value: &Value) -> u64 {
    if let Value::Integer(number) = value { u64::try_from(*number).unwrap_or_default() } else { 0 }
}
