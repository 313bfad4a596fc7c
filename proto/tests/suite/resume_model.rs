//! A model of resuming: whatever the network loses and whenever it does, the peer gets every item once and in order, or is
//! told which it does not get.

use crate::session_rules::{at, event, frame};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::session::{
    AfterLoss, Capacity, CarrierId, Config, Desync, Flush, Gap, Item, Joiner, Profile, SendError, Transmit, Transport,
};
use tsugi_proto::{Close, CloseCode, Frame, Session};

pub(crate) const MAX_ITEMS: usize = 40;

#[derive(Debug)]
struct Spaces;

impl Joiner for Spaces {
    fn join(&self, bodies: &[Bytes]) -> Frame {
        let texts: Vec<_> = bodies.iter().map(|body| String::from_utf8_lossy(body)).collect();
        frame(&texts.join(" "))
    }
}

pub(crate) fn config() -> Arc<Config> {
    Arc::new(Config {
        max_queue_items: MAX_ITEMS,
        max_queue_bytes: 1 << 20,
        max_inbox: 2,
        expire: Duration::from_secs(120),
        joiner: Arc::new(Spaces),
    })
}

pub(crate) fn profile(capacity: Capacity) -> Arc<Profile> {
    Arc::new(Profile {
        transport: if capacity == Capacity::Unlimited { Transport::WebSocket } else { Transport::Poll },
        capacity,
        heartbeat: None,
        window: Duration::from_millis(30),
        grace: Duration::from_secs(5),
        after_loss: AfterLoss::Wait,
    })
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Event(Flush),
    Message,
    Control,
    /// The peer comes back, over whatever.
    Come(Capacity),
    /// The carrier takes so many frames.
    Write(usize),
    /// So many of them arrive.
    Arrive(usize),
    /// The carrier breaks, with what is on its way.
    Break,
    Acknowledge,
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let capacity = prop_oneof![Just(Capacity::Unlimited), (1_usize..40).prop_map(Capacity::Bytes)];
    prop_oneof![
        24 => prop_oneof![3 => Just(Flush::Batched), 1 => Just(Flush::Now)].prop_map(Op::Event),
        8 => Just(Op::Message),
        4 => Just(Op::Control),
        10 => capacity.prop_map(Op::Come),
        24 => (1_usize..6).prop_map(Op::Write),
        20 => (1_usize..6).prop_map(Op::Arrive),
        6 => Just(Op::Break),
        8 => Just(Op::Acknowledge),
        12 => prop_oneof![Just(1), Just(40), Just(1_000)].prop_map(Op::Pass),
    ]
}

/// A session, a network, and a peer that counts.
struct Model {
    session: Session,
    millis: u64,
    carrier: Option<CarrierId>,
    /// Written and not yet arrived.
    flying: VecDeque<Frame>,
    /// Items that the session was given.
    sent: u64,
    controls: u64,
    /// Items the peer has, or was told that it will not get.
    received: u64,
    gaps: Vec<Gap>,
    overflows: u32,
}

impl Model {
    fn new() -> Self {
        let mut session = Session::new(at(0), config());
        session.keep();
        Self {
            session,
            millis: 0,
            carrier: None,
            flying: VecDeque::new(),
            sent: 0,
            controls: 0,
            received: 0,
            gaps: Vec::new(),
            overflows: 0,
        }
    }

    fn act(&mut self, op: Op) {
        match op {
            Op::Event(flush) => self.send(|name| event(name, flush)),
            Op::Message => self.send(|name| Item::Message(frame(name))),
            Op::Control => self.control(),
            Op::Come(capacity) => self.come(capacity),
            Op::Write(frames) => (0..frames).for_each(|_| self.write()),
            Op::Arrive(frames) => (0..frames).for_each(|_| self.arrive()),
            Op::Break => self.lose(),
            Op::Acknowledge => self.session.acknowledge(self.received).expect("what was received was sent"),
            Op::Pass(millis) => {
                self.millis += millis;
                self.session.handle_timeout(at(self.millis));
            }
        }
        assert!(self.session.queued() + self.session.unacknowledged() <= MAX_ITEMS + 2, "the bound holds");
        assert!(!self.session.is_closed(), "nothing here ends a session");
    }

    fn send(&mut self, item: impl Fn(&str) -> Item) {
        self.sent += 1;
        match self.session.send(at(self.millis), item(&self.sent.to_string())) {
            Ok(()) => {}
            Err(SendError::Full(_)) => self.overflows += 1,
            Err(SendError::Closed) => panic!("the session is open"),
        }
    }

    /// A word of the protocol takes room too, and may be the one that is too much.
    fn control(&mut self) {
        self.controls += 1;
        if self.session.send(at(self.millis), Item::Control(frame("control"))).is_err() {
            self.overflows += 1;
        }
    }

    fn come(&mut self, capacity: Capacity) {
        self.lose();
        let (now, received) = (at(self.millis), self.received);
        let plan = self.session.plan(received);
        let resumed = self.session.resume(now, profile(capacity), received, |_| Some(frame("welcome")));
        let (carrier, resumed) = resumed.expect("what was received was sent");
        self.carrier = Some(carrier);
        assert_eq!(plan.map(|plan| plan.gap), Ok(resumed.gap.clone()), "the plan is kept");
        if let Some(gap) = &resumed.gap {
            assert_eq!(gap.from, self.received + 1, "the gap begins where the peer stands");
            self.received = gap.to;
        }
        assert_eq!(resumed.next, self.received + 1, "and what follows has no gap");
        self.gaps.extend(resumed.gap);
    }

    fn write(&mut self) {
        let Some(carrier) = self.carrier else { return };
        match self.session.poll_transmit(at(self.millis), carrier) {
            Transmit::Frame { frame, last } => {
                self.flying.push_back(frame);
                if last {
                    self.carrier = None;
                }
            }
            Transmit::Pending => {}
            // The queue was full.
            Transmit::Close(close) => {
                assert_eq!(close, Close::because(CloseCode::QUEUE_FULL, "queue full"));
                self.carrier = None;
            }
            Transmit::Fenced => panic!("nobody else has the session"),
        }
    }

    fn arrive(&mut self) {
        let Some(frame) = self.flying.pop_front() else { return };
        let text = String::from_utf8(frame.payload().to_vec()).expect("text");
        for word in text.split(' ').filter(|word| !matches!(*word, "welcome" | "control")) {
            assert_eq!(word.parse(), Ok(self.received + 1), "once, and in order");
            self.received += 1;
        }
    }

    fn lose(&mut self) {
        self.flying.clear();
        if let Some(carrier) = self.carrier.take() {
            self.session.detach(at(self.millis), carrier);
        }
    }

    /// In the end the peer comes back once more and hears everything.
    fn finish(&mut self) {
        self.come(Capacity::Unlimited);
        self.millis += 1_000;
        self.session.handle_timeout(at(self.millis));
        for _ in 0..200 {
            self.write();
            self.arrive();
        }
        assert_eq!(self.received, self.sent, "every item arrived or was told of");
        assert!(
            self.gaps.is_empty() || self.sent + self.controls > MAX_ITEMS as u64,
            "nothing is lost below the bounds"
        );
        self.session.acknowledge(self.received).expect("all of it");
        assert_eq!(self.session.unacknowledged(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_item_arrives_once_and_in_order_or_is_told_of(ops in prop::collection::vec(op(), 1..200)) {
        let mut model = Model::new();
        ops.into_iter().for_each(|op| model.act(op));
        model.finish();
    }
}

#[test]
fn what_was_never_sent_cannot_be_acknowledged() {
    let mut session = Session::new(at(0), config());
    session.keep();
    assert_eq!(session.acknowledge(1), Err(Desync { received: 1, sent: 0 }));
    assert_eq!(session.plan(1), Err(Desync { received: 1, sent: 0 }));
}

#[test]
fn a_session_that_overflows_with_nobody_there_goes_on_after_a_gap() {
    let mut session = Session::new(at(0), config());
    session.keep();
    for n in 1..=MAX_ITEMS + 1 {
        let sent = session.send(at(0), event(&n.to_string(), Flush::Batched));
        assert_eq!(sent.is_ok(), n <= MAX_ITEMS);
    }
    session.send(at(0), Item::Message(frame("after"))).expect("there is room again");
    let resumed = session.plan(0).expect("in step");
    assert_eq!(resumed.gap, Some(Gap { from: 1, to: MAX_ITEMS as u64 + 1 }));
    assert_eq!(resumed.next, MAX_ITEMS as u64 + 2);
}
