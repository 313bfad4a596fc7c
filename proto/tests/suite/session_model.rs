//! A model of `Session`: random operations on a virtual clock, and what must hold after every one of them.

use crate::session_rules::{at, event, frame};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::session::{
    AfterClose, AfterLoss, Capacity, CarrierId, Config, Flush, Heartbeat, Item, Joiner, Profile, Rhythm, SendError,
    SessionEvent, Transmit, Transport,
};
use tsugi_proto::{Close, CloseCode, Frame, Instant, Message, Session};

const MAX_ITEMS: usize = 6;
const MAX_BYTES: usize = 200;
const EXPIRE: Duration = Duration::from_secs(120);

/// Batches are the numbers of their events, so that a carrier can count what it was given.
#[derive(Debug)]
struct Spaces;

impl Joiner for Spaces {
    fn join(&self, bodies: &[Bytes]) -> Frame {
        let texts: Vec<_> = bodies.iter().map(|body| String::from_utf8_lossy(body)).collect();
        frame(&texts.join(" "))
    }
}

#[derive(Clone, Debug)]
enum Op {
    Attach(Kind),
    Detach(Which),
    SendEvent(Flush),
    SendMessage,
    SendReply,
    Heard(Which),
    Message(Which),
    Receive,
    ReceiveAll,
    /// The carrier writes at most so many frames.
    Write(Which, usize),
    Pass(u64),
    PeerCloses(Which, AfterClose),
    Fails(Which),
    DropCarrier,
    Close,
    Abort,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    WebSocket,
    /// One that pings and waits for no answer, so that nothing ends it while it cannot write.
    Untimed(Rhythm),
    One,
    Bytes(usize),
}

/// Which carrier an operation is about: the attached one, or the nth there ever was.
#[derive(Clone, Copy, Debug)]
enum Which {
    Current,
    Old(usize),
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![4 => Just(Which::Current), 1 => (0_usize..8).prop_map(Which::Old)]
}

fn kind() -> impl Strategy<Value = Kind> {
    let rhythm = prop_oneof![Just(Rhythm::AfterSilence), Just(Rhythm::WhenIdle), Just(Rhythm::Always)];
    prop_oneof![
        Just(Kind::WebSocket),
        rhythm.prop_map(Kind::Untimed),
        Just(Kind::One),
        (1_usize..60).prop_map(Kind::Bytes)
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let after = prop_oneof![5 => Just(AfterClose::Detach), 1 => Just(AfterClose::End)];
    let flush = prop_oneof![3 => Just(Flush::Batched), 1 => Just(Flush::Now)];
    prop_oneof![
        12 => kind().prop_map(Op::Attach),
        6 => which().prop_map(Op::Detach),
        24 => flush.prop_map(Op::SendEvent),
        8 => Just(Op::SendMessage),
        4 => Just(Op::SendReply),
        4 => which().prop_map(Op::Heard),
        6 => which().prop_map(Op::Message),
        6 => Just(Op::Receive),
        3 => Just(Op::ReceiveAll),
        30 => (which(), 1_usize..5).prop_map(|(which, frames)| Op::Write(which, frames)),
        16 => prop_oneof![Just(1), Just(40), Just(600), Just(3_000), 20_000_u64..70_000].prop_map(Op::Pass),
        2 => (which(), after).prop_map(|(which, after)| Op::PeerCloses(which, after)),
        1 => which().prop_map(Op::Fails),
        2 => Just(Op::DropCarrier),
        1 => Just(Op::Close),
        1 => Just(Op::Abort),
    ]
}

/// The session, and what a session must be.
struct Model {
    session: Session,
    millis: u64,
    carriers: Vec<CarrierId>,
    /// Numbers accepted and not yet written, in order.
    waiting: VecDeque<u64>,
    next: u64,
    written: Vec<u64>,
    /// Messages that the session took and the application has not.
    inbox: VecDeque<u64>,
    said: u64,
    /// Heartbeats queued and not yet written. They stand outside the queue's bounds.
    pings: usize,
    online: bool,
    closed_events: usize,
    replies: BTreeSet<u64>,
    /// Replies that waited when the session was aborted.
    owed: Vec<u64>,
}

impl Model {
    fn new() -> Self {
        let config = Config {
            max_queue_items: MAX_ITEMS,
            max_queue_bytes: MAX_BYTES,
            max_inbox: 2,
            expire: EXPIRE,
            joiner: Arc::new(Spaces),
        };
        Self {
            session: Session::new(at(0), Arc::new(config)),
            millis: 0,
            carriers: Vec::new(),
            waiting: VecDeque::new(),
            next: 0,
            written: Vec::new(),
            inbox: VecDeque::new(),
            said: 0,
            pings: 0,
            online: false,
            closed_events: 0,
            replies: BTreeSet::new(),
            owed: Vec::new(),
        }
    }

    fn now(&self) -> Instant {
        at(self.millis)
    }

    /// A carrier that exists; `None` when there never was one.
    fn carrier(&self, which: Which) -> Option<CarrierId> {
        match which {
            Which::Current => self.session.carrier(),
            Which::Old(_) if self.carriers.is_empty() => None,
            Which::Old(index) => Some(self.carriers[index % self.carriers.len()]),
        }
    }

    fn apply(&mut self, op: &Op) {
        let now = self.now();
        match op {
            Op::Attach(kind) => self.attach(*kind),
            Op::Detach(which) => self.with_carrier(*which, |session, carrier| session.detach(now, carrier)),
            Op::SendEvent(flush) => self.send(|text| event(text, *flush)),
            Op::SendMessage => self.send(|text| Item::Message(frame(text))),
            Op::SendReply => {
                let number = self.next;
                self.replies.insert(number);
                // Items of an outbox are counted from 1.
                self.send(|text| Item::Reply(number + 1, frame(text)));
                if self.next == number {
                    self.replies.remove(&number);
                }
            }
            Op::Heard(which) => {
                let now = self.now();
                self.with_carrier(*which, |session, carrier| session.handle_heard(now, carrier));
            }
            Op::Message(which) => self.message(*which),
            Op::Receive => self.receive(),
            Op::ReceiveAll => self.receive_all(),
            Op::Write(which, frames) => self.write(*which, *frames),
            Op::Pass(millis) => self.pass(*millis),
            Op::PeerCloses(which, then) => {
                self.with_carrier(*which, |session, carrier| session.handle_close(now, carrier, None, *then));
            }
            Op::Fails(which) => {
                let close = Close::because(CloseCode::PROTOCOL, "");
                self.with_carrier(*which, |session, carrier| session.handle_failure(carrier, close));
            }
            Op::DropCarrier => self.session.drop_carrier(now, Close::because(CloseCode::PING_TIMEOUT, "")),
            Op::Close => self.session.close(now, Close::because(CloseCode::NORMAL, "")),
            Op::Abort => self.abort(),
        }
    }

    fn with_carrier(&mut self, which: Which, act: impl FnOnce(&mut Session, CarrierId)) {
        let Some(carrier) = self.carrier(which) else { return };
        let before = (self.session.carrier(), self.session.is_closed(), self.session.queued());
        act(&mut self.session, carrier);
        if before.0 != Some(carrier) {
            let after = (self.session.carrier(), self.session.is_closed(), self.session.queued());
            assert_eq!(after, before, "a fenced carrier changed the session");
        }
    }

    fn attach(&mut self, kind: Kind) {
        if self.session.is_closed() {
            return;
        }
        let carrier = self.session.attach(self.now(), profile(kind), None);
        assert!(!self.carriers.contains(&carrier), "a carrier's number was used twice");
        assert_eq!(self.session.carrier(), Some(carrier));
        self.carriers.push(carrier);
    }

    fn send(&mut self, item: impl FnOnce(&str) -> Item) {
        let number = self.next;
        let closing = self.session.is_closing();
        match self.session.send(self.now(), item(&number.to_string())) {
            Ok(()) => {
                assert!(!closing, "a closing session took an item");
                self.next += 1;
                self.waiting.push_back(number);
            }
            Err(SendError::Closed) => assert!(closing, "an open session called itself closed"),
            Err(SendError::Full(_)) => {
                assert!(self.session.is_closing(), "a full queue closes the session");
                self.waiting.push_back(number);
                self.owed = self.unwritten_replies();
                self.waiting.clear();
                self.pings = 0;
            }
        }
    }

    fn message(&mut self, which: Which) {
        // A driver stops reading at the bound.
        if self.session.inbox_is_full() {
            return;
        }
        let Some(carrier) = self.carrier(which) else { return };
        let counts = self.session.carrier() == Some(carrier) && !self.session.is_closed();
        let number = self.said;
        self.said += 1;
        self.session.handle_message(self.now(), carrier, Message::text(number.to_string()));
        if counts {
            self.inbox.push_back(number);
        }
    }

    fn receive(&mut self) {
        if self.session.is_closing() {
            // What an abort left behind is its own matter; a closing session may still be read.
            while self.session.receive().is_some() {}
            self.inbox.clear();
            return;
        }
        let message = self.session.receive().map(|message| number_in(&message));
        assert_eq!(message, self.inbox.pop_front(), "messages come to the application once and in order");
    }

    fn receive_all(&mut self) {
        if self.session.is_closing() {
            return self.receive();
        }
        let messages: Vec<_> = self.session.receive_all().iter().map(number_in).collect();
        assert_eq!(messages, Vec::from_iter(self.inbox.drain(..)), "all messages come together, in order");
        assert_eq!(self.session.inbox_is_full(), messages.len() >= 2, "they are in the inbox until the next time");
    }

    fn write(&mut self, which: Which, frames: usize) {
        let Some(carrier) = self.carrier(which) else { return };
        for _ in 0..frames {
            let (mine, closed) = (self.session.carrier() == Some(carrier), self.session.is_closed());
            match self.session.poll_transmit(self.now(), carrier) {
                Transmit::Frame { frame, last } => {
                    assert!(mine && !closed, "only the attached carrier of a live session is given frames");
                    assert!(!last || self.session.carrier().is_none(), "a used-up carrier is detached");
                    self.wrote(&frame);
                }
                Transmit::Close(_) => return,
                Transmit::Pending => {
                    assert!(mine);
                    return;
                }
                Transmit::Fenced => {
                    assert!(!mine);
                    return;
                }
            }
        }
    }

    fn wrote(&mut self, frame: &Frame) {
        let message = frame.to_message();
        let text = message.as_ref().map(|message| String::from_utf8_lossy(message.as_bytes()).into_owned());
        let text = text.unwrap_or_default();
        if text == "ping" {
            self.pings -= 1;
            return;
        }
        for number in text.split(' ') {
            let number = number.parse().ok();
            assert_eq!(number, self.waiting.pop_front(), "lost, doubled or out of order in {text:?}");
            self.written.extend(number);
        }
    }

    fn pass(&mut self, millis: u64) {
        let until = self.millis + millis;
        // As a driver does: every timer at its own moment.
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= at(until)) {
            self.millis = self.millis.max(u64::try_from(due.since_origin().as_millis()).unwrap_or(u64::MAX));
            let queued = self.session.queued();
            self.session.handle_timeout(self.now());
            self.pings += self.session.queued().saturating_sub(queued);
            assert!(self.session.queued() <= queued + 1, "one moment, one heartbeat");
            let next = self.session.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now()), "a timer that was handled is still due");
            self.bounds();
            if self.session.is_closed() {
                break;
            }
            // A held response can always be written; a WebSocket may be stuck.
            if self.session.online() == Some(Transport::Poll) {
                self.write(Which::Current, 1);
            }
        }
        self.millis = until;
    }

    fn abort(&mut self) {
        self.session.abort(Close::because(CloseCode::INTERNAL, ""));
        self.owed = self.unwritten_replies();
        self.waiting.clear();
        self.pings = 0;
        self.inbox.clear();
    }

    fn unwritten_replies(&self) -> Vec<u64> {
        self.waiting.iter().copied().filter(|number| self.replies.contains(number)).collect()
    }

    /// What holds after every operation.
    fn check(&mut self) {
        while let Some(event) = self.session.poll_event() {
            assert_eq!(self.closed_events, 0, "{event:?} after the end");
            match event {
                SessionEvent::Online(_) => self.online = true,
                SessionEvent::Offline => {
                    assert!(std::mem::take(&mut self.online), "offline without having been online");
                }
                SessionEvent::Undelivered(replies) => {
                    let numbers: Vec<_> = replies.iter().map(|(number, _)| *number - 1).collect();
                    let waiting = self.unwritten_replies();
                    assert!(!numbers.is_empty() && (numbers == waiting || numbers == self.owed), "{numbers:?}");
                    self.owed.clear();
                }
                SessionEvent::Closed(_) => {
                    assert!(self.owed.is_empty(), "replies were lost: {:?}", self.owed);
                    self.closed_events += 1;
                }
            }
        }
        assert_eq!(self.online, self.session.online().is_some());
        assert_eq!(self.closed_events, usize::from(self.session.is_closed()), "the end is told once");
        self.bounds();
        if self.session.is_closed() {
            self.waiting.clear();
            assert_eq!((self.session.carrier(), self.session.queued()), (None, 0));
            assert_eq!(self.session.poll_timeout(), None, "a closed session waits for nothing");
            assert!(!self.online, "a closed session's peer is offline");
            self.is_silent();
        } else if !self.session.is_closing() {
            let kept = self.waiting.len() + self.pings;
            assert_eq!(self.session.queued(), kept, "an open session keeps what was accepted, and nothing else");
        }
    }

    /// A closed session never transmits, to whichever carrier.
    fn is_silent(&mut self) {
        for carrier in self.carriers.clone() {
            let told = self.session.poll_transmit(self.now(), carrier);
            assert!(matches!(told, Transmit::Fenced | Transmit::Close(_)), "{told:?} after the end");
        }
    }

    fn bounds(&self) {
        assert!(self.pings <= 1, "{} heartbeats wait", self.pings);
        assert!(self.session.queued() <= MAX_ITEMS + self.pings, "{} items", self.session.queued());
        assert!(self.session.queued_bytes() <= MAX_BYTES + self.pings * frame("ping").len());
        assert_eq!(self.session.queued() == 0, self.session.queued_bytes() == 0);
    }

    /// A carrier that takes everything shows what was kept.
    fn drain(&mut self) {
        if self.session.is_closing() {
            return;
        }
        self.attach(Kind::WebSocket);
        self.write(Which::Current, 4 * MAX_ITEMS);
        assert!(self.waiting.is_empty(), "kept for ever: {:?}", self.waiting);
    }
}

fn number_in(message: &Message) -> u64 {
    String::from_utf8_lossy(message.as_bytes()).parse().unwrap()
}

fn profile(kind: Kind) -> Arc<Profile> {
    let (transport, capacity) = match kind {
        Kind::WebSocket | Kind::Untimed(_) => (Transport::WebSocket, Capacity::Unlimited),
        Kind::One => (Transport::Poll, Capacity::One),
        Kind::Bytes(most) => (Transport::Poll, Capacity::Bytes(most)),
    };
    let rhythm = if let Kind::Untimed(rhythm) = kind { rhythm } else { Rhythm::WhenIdle };
    Arc::new(Profile {
        transport,
        capacity,
        heartbeat: Some(Heartbeat {
            every: Duration::from_millis(500),
            rhythm,
            timeout: matches!(kind, Kind::WebSocket).then_some(Duration::from_millis(500)),
            frames: vec![frame("ping")],
            close: Close::because(CloseCode::PING_TIMEOUT, ""),
        }),
        window: Duration::from_millis(30),
        grace: Duration::from_millis(2_500),
        after_loss: AfterLoss::Wait,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nothing_is_lost_doubled_or_reordered_while_open_and_nothing_is_said_after_the_end(
        ops in prop::collection::vec(op(), 1..80)
    ) {
        let mut model = Model::new();
        for op in &ops {
            model.apply(op);
            model.check();
        }
        model.drain();
        model.check();
        // `wrote` compared each number with what was accepted; here once more, from the other end.
        prop_assert!(model.written.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
