//! Long-poll: one GET held by the server, and one POST at a time.

use super::outbox::{ItemId, Wants};
use super::output::{Body, Desk, ExchangeId, Method, Output, Path};
use crate::codec::Form;
use crate::message::Message;
use crate::packet::Packet;
use crate::session::Transport;
use crate::time::Instant;
use bytes::Bytes;
use std::time::Duration;

const POST_TIMEOUT: Duration = Duration::from_secs(15);
/// What a held poll may take beyond the time the server holds it.
const SLACK: Duration = Duration::from_secs(10);
/// An empty answer that comes sooner is followed by a pause: a server that does not hold must not be hammered.
const HELD: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Poll {
    pub(super) path: Path,
    exchanges: Vec<Exchange>,
    begun: bool,
    polled_at: Instant,
    pause_until: Option<Instant>,
    takeover: Takeover,
    /// What has arrived, told with every poll.
    received: u64,
}

/// How far a WebSocket is with taking over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takeover {
    /// None is at it.
    No,
    /// No POST is begun any more; the outstanding one is waited for.
    Posting,
    /// Hello was said, and no poll is begun any more.
    Said,
}

/// A request that was made and not yet answered.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) id: ExchangeId,
    pub(super) kind: Kind,
    /// What was posted.
    pub(super) items: Vec<ItemId>,
    deadline: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Handshake,
    Hello,
    Poll,
    /// What others wait behind.
    Post,
    /// Sente's POST answers with the reply itself. It may take its time, so nobody waits behind it.
    SenteRequest(ItemId),
}

impl Poll {
    pub(super) fn open(desk: &mut Desk, now: Instant) -> Self {
        let mut poll = Self {
            path: desk.new_path(Transport::Poll),
            exchanges: Vec::new(),
            begun: false,
            polled_at: now,
            pause_until: None,
            takeover: Takeover::No,
            received: 0,
        };
        let id = desk.exchange(Method::Get, &[("handshake?", "1")], None);
        poll.note(id, Kind::Handshake, Vec::new(), now + POST_TIMEOUT);
        poll
    }

    pub(super) fn hello(&mut self, desk: &mut Desk, now: Instant, message: &Message) {
        let id = desk.exchange(Method::Post, &[], Some(body(desk, message)));
        self.note(id, Kind::Hello, Vec::new(), now + POST_TIMEOUT);
    }

    /// The server has taken this carrier.
    pub(super) fn begin(&mut self, desk: &mut Desk, now: Instant, received: u64) {
        self.begun = true;
        self.received = received;
        self.poll(desk, now);
    }

    /// Forgets every request that is on its way.
    pub(super) fn abort(&mut self, desk: &mut Desk) {
        for exchange in self.exchanges.drain(..) {
            desk.put(Output::Abort { exchange: exchange.id });
        }
    }

    /// The request that was answered; `None` when it is not one of these.
    pub(super) fn take(&mut self, id: ExchangeId) -> Option<Exchange> {
        let index = self.exchanges.iter().position(|exchange| exchange.id == id)?;
        Some(self.exchanges.remove(index))
    }

    /// One that was not answered in time.
    pub(super) fn take_late(&mut self, now: Instant) -> Option<Exchange> {
        let index = self.exchanges.iter().position(|exchange| exchange.deadline <= now)?;
        Some(self.exchanges.remove(index))
    }

    /// After a poll was answered: the next one, at once or after a pause.
    pub(super) fn polled(&mut self, desk: &mut Desk, now: Instant, received: u64, brought: Brought) {
        self.received = received;
        if self.is_fenced() || self.is_polling() {
            return;
        }
        if brought == Brought::Nothing && now.since(self.polled_at) < HELD {
            self.pause_until = Some(now + PAUSE);
        } else {
            self.poll(desk, now);
        }
    }

    // Handing over to a WebSocket.

    /// Stops posting; [`Poll::may_say_hello`] says what follows.
    pub(super) fn cede(&mut self) {
        self.takeover = Takeover::Posting;
    }

    /// Once true: no POST is outstanding, and no poll is begun any more.
    pub(super) fn may_say_hello(&mut self) -> bool {
        let may = self.takeover == Takeover::Posting && !self.is_posting();
        if may {
            self.takeover = Takeover::Said;
        }
        may
    }

    /// Nobody took over after all.
    pub(super) fn resume(&mut self, desk: &mut Desk, now: Instant, received: u64) {
        self.takeover = Takeover::No;
        self.received = received;
        if !self.is_polling() {
            self.poll(desk, now);
        }
    }

    // Time.

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let exchanges = self.exchanges.iter().map(|exchange| exchange.deadline);
        exchanges.chain(self.pause_until).min()
    }

    pub(super) fn end_pause(&mut self, desk: &mut Desk, now: Instant) {
        if self.pause_until.is_some_and(|until| until <= now) {
            self.pause_until = None;
            if !self.is_polling() && !self.is_fenced() {
                self.poll(desk, now);
            }
        }
    }

    // Posting.

    /// Whether a POST may begin.
    pub(super) fn may_post(&self) -> bool {
        self.begun && self.takeover == Takeover::No && !self.is_posting()
    }

    /// Posts what was taken from the outbox.
    pub(super) fn post(&mut self, desk: &mut Desk, now: Instant, batch: Vec<(ItemId, Message, Wants)>) {
        if desk.terms.session.is_none() {
            return batch.into_iter().for_each(|item| self.post_to_sente(desk, now, &item));
        }
        let items = batch.iter().map(|(id, ..)| *id).collect();
        let messages: Vec<_> = batch.into_iter().map(|(_, message, _)| message).collect();
        let all = desk.config.codec.concat(&messages);
        let id = desk.exchange(Method::Post, &[], Some(body(desk, &all)));
        self.note(id, Kind::Post, items, now + POST_TIMEOUT);
    }

    /// Posts what is no item.
    pub(super) fn post_aside(&mut self, desk: &mut Desk, now: Instant, message: &Message) {
        let (extra, body) =
            if desk.terms.session.is_some() { (&[][..], body(desk, message)) } else { sente_body(desk, message) };
        let id = desk.exchange(Method::Post, extra, Some(body));
        self.note(id, Kind::Post, Vec::new(), now + POST_TIMEOUT);
    }

    // The rest is private.

    fn is_polling(&self) -> bool {
        self.exchanges.iter().any(|exchange| exchange.kind == Kind::Poll)
    }

    fn is_posting(&self) -> bool {
        self.exchanges.iter().any(|exchange| exchange.kind == Kind::Post)
    }

    fn is_fenced(&self) -> bool {
        self.takeover == Takeover::Said
    }

    fn poll(&mut self, desk: &mut Desk, now: Instant) {
        self.pause_until = None;
        self.polled_at = now;
        let received = self.received.to_string();
        let counts = desk.terms.session.is_some();
        let ack: &[(&str, &str)] = if counts { &[("ack", &received)] } else { &[] };
        let id = desk.exchange(Method::Get, ack, None);
        self.note(id, Kind::Poll, Vec::new(), now + desk.terms.poll + SLACK);
    }

    fn post_to_sente(&mut self, desk: &mut Desk, now: Instant, (item, message, wants): &(ItemId, Message, Wants)) {
        let kind = if *wants == Wants::Reply { Kind::SenteRequest(*item) } else { Kind::Post };
        let (extra, body) = sente_body(desk, message);
        let id = desk.exchange(Method::Post, extra, Some(body));
        self.note(id, kind, vec![*item], now + desk.terms.poll + SLACK);
    }

    fn note(&mut self, id: ExchangeId, kind: Kind, items: Vec<ItemId>, deadline: Instant) {
        self.exchanges.push(Exchange { id, kind, items, deadline });
    }
}

/// Whether an answer held anything but empty batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brought {
    Nothing,
    Something,
}

impl Brought {
    pub(super) fn by(packets: &[Packet]) -> Self {
        let carries = |packet: &Packet| {
            !packet.slot.is_nil() || packet.payload.as_elements().is_some_and(|elements| !elements.is_empty())
        };
        if packets.iter().any(carries) { Self::Something } else { Self::Nothing }
    }
}

fn body(desk: &Desk, message: &Message) -> Body {
    Body { content_type: desk.config.codec.content_type(), bytes: message.as_bytes().clone() }
}

/// A form for text, raw bytes for what is binary (sente.md 2.2, 2.3).
fn sente_body(desk: &Desk, message: &Message) -> (&'static [(&'static str, &'static str)], Body) {
    match desk.config.codec.form() {
        Form::Binary => {
            let bytes = message.as_bytes().clone();
            (&[("binary?", "true")], Body { content_type: "application/octet-stream", bytes })
        }
        Form::Text => {
            let mut form = String::from("ppstr=");
            percent_encode(message.as_bytes(), &mut form);
            let content_type = "application/x-www-form-urlencoded;charset=UTF-8";
            (&[], Body { content_type, bytes: Bytes::from(form) })
        }
    }
}

/// Everything but what RFC 3986 section 2.3 calls unreserved.
fn percent_encode(bytes: &[u8], out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            out.push(char::from(*byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}
