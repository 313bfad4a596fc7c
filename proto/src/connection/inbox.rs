//! What the server says, and what it means.

use super::Connection;
use super::carrier::{Carrier, Link, Phase};
use super::handshake::{Terms, natural, read_handshake, read_welcome};
use super::outbox::{ItemId, Wants, Which};
use super::output::{Output, Path};
use super::path::Verdict;
use super::poll::{Brought, Exchange, Kind};
use super::reply::{RequestError, read_reply, read_sente_reply};
use super::state::{Gap, GapReason, Loss, MAX_RETRY_AFTER, Open, Outcome, Reason, State};
use crate::close::{Close, CloseCode};
use crate::codec::Form;
use crate::event::{Event, EventId};
use crate::message::{Message, Utf8Bytes};
use crate::packet::Packet;
use crate::session::Transport;
use crate::time::Instant;
use crate::value::Value;
use bytes::Bytes;
use std::time::Duration;

/// What came of an HTTP request: the body of a 200, or a loss.
pub(super) type Answer = Result<Bytes, Loss>;

impl Connection {
    pub(super) fn receive(&mut self, now: Instant, path: Path, packets: Vec<Packet>) {
        for packet in packets {
            // An earlier packet may have ended the carrier, or made it the live one.
            if self.carrier_mut(path).is_none() {
                return;
            }
            if !self.understands(now, path, packet) {
                return self.fail(now, path, Loss::new(Reason::BadFrame));
            }
        }
        if self.ledger.is_due(self.desk.terms.ack_items) {
            self.acknowledge();
        }
    }

    /// Tells the server what arrived, where a poll does not do it anyway.
    pub(super) fn acknowledge(&mut self) {
        let received = Value::Integer(i64::try_from(self.ledger.acknowledge()).unwrap_or(i64::MAX));
        let Some(Carrier { link: Link::WebSocket(websocket), .. }) = &self.live else { return };
        if let Ok(message) = self.desk.packet("chsk/ack", Some(received), &Value::Nil) {
            self.desk.put(Output::Transmit { path: websocket.path, message });
        }
    }

    /// Whether the next item of this carrier is one that the application has not seen.
    fn is_news(&mut self, now: Instant, path: Path) -> bool {
        let carriers = [&mut self.live, &mut self.candidate].into_iter().flatten();
        let Some(next) = carriers.filter(|it| it.path() == path).find_map(|it| it.next.as_mut()) else { return true };
        let number = *next;
        *next += 1;
        self.ledger.enter(now, number, self.desk.terms.ack_after)
    }

    pub(super) fn decode(&self, message: &Message) -> Result<Vec<Packet>, Loss> {
        let decoded = self.desk.config.codec.decode_all(message);
        decoded.map_err(|error| Loss::because(Reason::BadFrame, error.to_string()))
    }

    /// Whether the server may say this now.
    fn understands(&mut self, now: Instant, path: Path, packet: Packet) -> bool {
        let Some(phase) = self.carrier_mut(path).map(|carrier| carrier.phase) else { return true };
        match phase {
            Phase::Handshake => self.handshake(now, path, &packet.payload),
            Phase::Welcome => self.welcome(now, path, &packet.payload),
            Phase::Open if packet.slot.is_nil() => self.message(now, path, &packet.payload),
            Phase::Open => {
                if self.is_news(now, path) {
                    self.answer(packet);
                }
                true
            }
        }
    }

    fn handshake(&mut self, now: Instant, path: Path, payload: &Value) -> bool {
        let Some(handshake) = read_handshake(payload) else { return false };
        self.user = handshake.user;
        self.data = handshake.data;
        self.check_owner();
        match handshake.terms {
            Some(terms) => self.say_hello(now, path, terms),
            None => {
                // Without the extension nothing names a session that could go on.
                self.desk.terms = Terms::SENTE;
                self.adopt(now, Outcome::New);
            }
        }
        true
    }

    /// What was meant to be said as somebody is not said as somebody else.
    fn check_owner(&mut self) {
        if self.owner.as_ref().is_some_and(|owner| *owner != self.user) {
            self.fail_all(Which::All, &RequestError::OtherUser);
            self.outbox = self.outbox.successor();
        }
        self.owner = Some(self.user.clone());
    }

    fn say_hello(&mut self, now: Instant, path: Path, terms: Terms) {
        let session = self.desk.terms.session.take();
        self.desk.terms = terms;
        self.desk.terms.session = session;
        if let Some(carrier) = self.carrier_mut(path) {
            carrier.phase = Phase::Welcome;
        }
        match &mut self.live {
            Some(Carrier { link: Link::Poll(poll), .. }) => {
                poll.cede();
                self.hand_over(now);
            }
            _ => self.say_hello_now(now),
        }
    }

    fn say_hello_now(&mut self, now: Instant) {
        let Some(candidate) = &mut self.candidate else { return };
        let websocket = matches!(candidate.link, Link::WebSocket(_));
        let entry = |name: &str, text: &str| (Value::keyword(name), Value::string(text));
        let mut data: Vec<_> = self.desk.terms.session.iter().map(|session| entry("session", session)).collect();
        let received = i64::try_from(self.ledger.received()).unwrap_or(i64::MAX);
        data.push((Value::keyword("received"), Value::Integer(received)));
        data.push(entry("outbox", &self.outbox.name()));
        let sent = i64::try_from(self.outbox.sent()).unwrap_or(i64::MAX);
        data.push((Value::keyword("sent"), Value::Integer(sent)));
        let attempt = i64::try_from(self.outbox.next_attempt()).unwrap_or(i64::MAX);
        data.push((Value::keyword("attempt"), Value::Integer(attempt)));
        data.extend(self.desk.token.iter().filter(|_| websocket).map(|token| entry("csrf", token)));
        let Ok(message) = self.desk.packet("chsk/hello", Some(Value::Map(data)), &Value::Nil) else {
            let path = candidate.path();
            return self.fail(now, path, Loss::because(Reason::BadFrame, "the codec cannot write hello"));
        };
        match &mut candidate.link {
            Link::WebSocket(websocket) => {
                websocket.said_hello(now, self.desk.config.handshake_timeout);
                self.desk.put(Output::Transmit { path: websocket.path, message });
            }
            Link::Poll(poll) => poll.hello(&mut self.desk, now, &message),
        }
    }

    fn welcome(&mut self, now: Instant, path: Path, payload: &Value) -> bool {
        let Some(welcome) = read_welcome(payload) else { return false };
        self.desk.terms.session = Some(welcome.session);
        if welcome.outcome == Outcome::New {
            let from = self.ledger.received() + 1;
            self.ledger.begin();
            if let Some(why) = welcome.why {
                self.desk.put(Output::Gap(Gap { from, to: None, why }));
            }
        }
        self.count_from(path, welcome.next);
        self.handled(welcome.handled);
        self.outbox.rewind(welcome.taken);
        self.adopt(now, welcome.outcome);
        true
    }

    /// The reply to a request, or, to a slot below zero, that everything up to there was handled, and every reply that the server
    /// has for it was sent before.
    fn answer(&mut self, packet: Packet) {
        if let Value::Integer(slot @ ..0) = packet.slot {
            self.handled(slot.unsigned_abs());
            for item in self.outbox.items_until(slot.unsigned_abs(), Wants::Reply) {
                self.settle(item, Err(RequestError::ReplyLost));
            }
        } else if let Some(item) = self.outbox.named_by(&packet.slot) {
            self.settle(item, read_reply(packet.payload));
        }
    }

    fn handled(&mut self, until: u64) {
        for item in self.outbox.items_until(until, Wants::Nothing) {
            self.settle(item, Ok(Value::Nil));
        }
    }

    /// The next step from a poll to a WebSocket, as soon as the poll allows it. Whatever the last poll would have brought
    /// comes again on the WebSocket, so nobody waits for it.
    pub(super) fn hand_over(&mut self, now: Instant) {
        let Some(Carrier { link: Link::Poll(poll), .. }) = &mut self.live else { return };
        if poll.may_say_hello() {
            poll.abort(&mut self.desk);
            self.say_hello_now(now);
        }
    }

    // Being open.

    fn message(&mut self, now: Instant, path: Path, payload: &Value) -> bool {
        if let Some(id) = payload.as_text() {
            return self.control(now, path, id, &Value::Nil, payload);
        }
        let Some(elements) = payload.as_elements() else { return false };
        match elements {
            [first, rest @ ..] if first.as_text().is_some() => {
                let id = first.as_text().unwrap_or_default();
                self.control(now, path, id, rest.first().unwrap_or(&Value::Nil), payload)
            }
            events => {
                for event in events {
                    if self.is_news(now, path) {
                        self.desk.put(read_event(event));
                    }
                }
                true
            }
        }
    }

    fn control(&mut self, now: Instant, path: Path, id: &str, data: &Value, payload: &Value) -> bool {
        match id {
            "chsk/ws-ping" => self.pong(),
            "chsk/close" => self.closed_by_server(now, path, data),
            "chsk/retry" => self.told_slot(path, natural(Some(data))),
            "chsk/from" => self.count_from(path, natural(Some(data))),
            "chsk/handshake" => return self.unasked_handshake(now, path, payload),
            // What a later server may say besides is nothing to worry about.
            _ => return id.starts_with("chsk/"),
        }
        true
    }

    /// The number of the next item of this carrier. What lies between what arrived and that was too much for the server to
    /// keep.
    fn count_from(&mut self, path: Path, next: Option<u64>) {
        if let Some(carrier) = self.carrier_mut(path) {
            carrier.next = next;
        }
        let from = self.ledger.received() + 1;
        if let Some(next) = next.filter(|next| *next > from) {
            self.ledger.skip_to(next);
            self.desk.put(Output::Gap(Gap { from, to: Some(next - 1), why: GapReason::Overflow }));
        }
    }

    /// The server is about to go, and tells each client another moment to come back at.
    fn told_slot(&mut self, path: Path, millis: Option<u64>) {
        if let (Some(carrier), Some(millis)) = (self.carrier_mut(path), millis.filter(|millis| *millis > 0)) {
            carrier.slot = Some(Duration::from_millis(millis).min(MAX_RETRY_AFTER));
        }
    }

    /// Where nothing is polled: an answer to a poll is sign enough.
    fn pong(&mut self) {
        let Some(Carrier { link: Link::WebSocket(websocket), .. }) = &self.live else { return };
        if let Ok(message) = self.desk.packet("chsk/ws-pong", None, &Value::Nil) {
            self.desk.put(Output::Transmit { path: websocket.path, message });
        }
    }

    fn closed_by_server(&mut self, now: Instant, path: Path, data: &Value) {
        let code = match data.get("code") {
            Some(Value::Integer(code)) => u16::try_from(*code).map_or(CloseCode::NORMAL, CloseCode::received),
            _ => CloseCode::NORMAL,
        };
        let reason = data.get("reason").and_then(Value::as_text).unwrap_or_default();
        self.fail(now, path, Loss::of_close(Some(Close { code, reason: reason.into() })));
    }

    /// A poll is answered with a handshake when the server has forgotten us. Sente just goes on.
    fn unasked_handshake(&mut self, now: Instant, path: Path, payload: &Value) -> bool {
        let Some(handshake) = read_handshake(payload) else { return false };
        if self.desk.terms.session.is_some() {
            self.fail(now, path, Loss::new(Reason::SessionGone));
            return true;
        }
        self.user = handshake.user;
        self.data = handshake.data;
        if matches!(self.state, State::Open(_)) {
            self.change(self.open_state(path.transport(), Outcome::New));
        }
        true
    }

    pub(super) fn open_state(&self, transport: Transport, outcome: Outcome) -> State {
        let why = if transport == Transport::WebSocket { Verdict::Fine } else { self.paths.verdict() };
        State::Open(Open { transport, user: self.user.clone(), data: self.data.clone(), outcome, why })
    }

    // Answers to HTTP requests.

    pub(super) fn answered(&mut self, now: Instant, path: Path, exchange: Exchange, answer: Answer) {
        let Exchange { kind, items, .. } = exchange;
        let packets = match answer.and_then(|body| self.decode_body(body)) {
            Ok(packets) => packets,
            Err(loss) if is_delivery(kind) && matches!(loss.status, Some(400 | 413)) => {
                self.refused(&items, loss.status.unwrap_or_default());
                Vec::new()
            }
            Err(loss) => return self.fail(now, path, loss),
        };
        // Sente's answer is the last that is heard of an event.
        if kind == Kind::Post && self.desk.terms.session.is_none() {
            items.iter().for_each(|item| self.settle(*item, Ok(Value::Nil)));
        }
        self.take_answer(now, path, kind, packets);
        self.hand_over(now);
    }

    fn take_answer(&mut self, now: Instant, path: Path, kind: Kind, packets: Vec<Packet>) {
        match kind {
            Kind::Handshake | Kind::Hello => self.receive(now, path, packets),
            Kind::Poll => {
                let brought = Brought::by(&packets);
                self.receive(now, path, packets);
                let received = self.ledger.acknowledge();
                self.with_poll(path, |poll, desk| poll.polled(desk, now, received, brought));
            }
            Kind::Post => {
                self.receive(now, path, packets);
                self.pump(now);
            }
            Kind::SenteRequest(item) => {
                let payload = packets.into_iter().next().map(|packet| packet.payload);
                self.settle(item, payload.map_or(Ok(Value::Nil), read_sente_reply));
            }
        }
    }

    fn decode_body(&self, body: Bytes) -> Result<Vec<Packet>, Loss> {
        let message = match self.desk.config.codec.form() {
            Form::Binary => Message::Binary(body),
            Form::Text => {
                let text = Utf8Bytes::new(body);
                Message::Text(text.map_err(|error| Loss::because(Reason::BadFrame, error.to_string()))?)
            }
        };
        self.decode(&message)
    }

    fn refused(&mut self, items: &[ItemId], status: u16) {
        for item in items {
            self.settle(*item, Err(RequestError::Refused(status)));
        }
    }
}

fn is_delivery(kind: Kind) -> bool {
    matches!(kind, Kind::Post | Kind::SenteRequest(_))
}

fn read_event(value: &Value) -> Output {
    let (id, data) = match value.as_elements() {
        Some([id]) => (id, None),
        Some([id, data]) => (id, Some(data.clone())),
        _ => return Output::BadEvent(value.clone()),
    };
    match id.as_text().and_then(|id| EventId::new(id).ok()).filter(|id| !id.is_reserved()) {
        Some(id) => Output::Event(Event { id, data }),
        None => Output::BadEvent(value.clone()),
    }
}
