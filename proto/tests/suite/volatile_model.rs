//! Volatile events beside others: what is left out leaves no gap, and what is not volatile arrives once and in order.

use crate::resume_model::{MAX_ITEMS, config, profile};
use crate::session_rules::{at, encoded, event, frame};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use tsugi_proto::session::{Capacity, CarrierId, Fate, Flush, Item, Transmit};
use tsugi_proto::{Frame, Session};

#[derive(Clone, Copy, Debug)]
enum Op {
    Event(Flush),
    Message,
    Volatile(Flush),
    /// With one of a few keys.
    Latest(Flush, usize),
    Come(Capacity),
    Write(usize),
    Arrive(usize),
    Break,
    Acknowledge,
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let capacity = prop_oneof![Just(Capacity::Unlimited), (1_usize..40).prop_map(Capacity::Bytes)];
    let flush = || prop_oneof![3 => Just(Flush::Batched), 1 => Just(Flush::Now)];
    prop_oneof![
        16 => flush().prop_map(Op::Event),
        6 => Just(Op::Message),
        16 => flush().prop_map(Op::Volatile),
        16 => (flush(), 0_usize..3).prop_map(|(flush, key)| Op::Latest(flush, key)),
        10 => capacity.prop_map(Op::Come),
        20 => (1_usize..6).prop_map(Op::Write),
        20 => (1_usize..6).prop_map(Op::Arrive),
        6 => Just(Op::Break),
        8 => Just(Op::Acknowledge),
        12 => prop_oneof![Just(1), Just(40), Just(10_000)].prop_map(Op::Pass),
    ]
}

/// A session, a network, and a peer that counts.
struct Model {
    session: Session,
    millis: u64,
    carrier: Option<CarrierId>,
    flying: VecDeque<Frame>,
    next: u32,
    /// What must arrive, in order: what was taken, without what a newer one took the place of.
    due: Vec<u32>,
    /// Of each key, the newest that was taken.
    newest: [Option<u32>; 3],
    arrived: Vec<u32>,
    keys: [Arc<str>; 3],
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
            next: 0,
            due: Vec::new(),
            newest: [None; 3],
            arrived: Vec::new(),
            keys: ["a", "b", "c"].map(Arc::from),
        }
    }

    fn act(&mut self, op: Op) {
        match op {
            Op::Event(flush) => self.send(|name| event(name, flush)),
            Op::Message => self.send(|name| Item::Message(frame(name))),
            Op::Volatile(flush) => self.send_volatile(flush, None),
            Op::Latest(flush, key) => self.send_volatile(flush, Some(key)),
            Op::Come(capacity) => self.come(capacity),
            Op::Write(frames) => (0..frames).for_each(|_| self.write()),
            Op::Arrive(frames) => (0..frames).for_each(|_| self.arrive()),
            Op::Break => self.lose(),
            Op::Acknowledge => self.session.acknowledge(self.received()).expect("what was received was sent"),
            Op::Pass(millis) => {
                self.millis += millis;
                self.session.handle_timeout(at(self.millis));
            }
        }
        let held = self.session.queued() + self.session.unacknowledged();
        assert!(held <= MAX_ITEMS, "the bound holds: {held}");
    }

    fn received(&self) -> u64 {
        self.arrived.len() as u64
    }

    /// What is not volatile is only sent where there is room: that volatile ones never make a queue overflow is what is asked here.
    fn send(&mut self, item: impl Fn(&str) -> Item) {
        if self.session.queued() + self.session.unacknowledged() < MAX_ITEMS {
            self.next += 1;
            self.session.send(at(self.millis), item(&self.next.to_string())).expect("there is room");
            self.due.push(self.next);
        }
    }

    fn send_volatile(&mut self, flush: Flush, key: Option<usize>) {
        self.next += 1;
        let name = encoded(&self.next.to_string());
        let fate = self.session.send_volatile(at(self.millis), name, flush, key.map(|key| &self.keys[key]));
        match fate.expect("the session is open") {
            Fate::Queued => {}
            Fate::Replaced => {
                let older = key.and_then(|key| self.newest[key]).expect("only one of its key is replaced");
                self.due.retain(|number| *number != older);
            }
            Fate::Dropped => return,
        }
        self.due.push(self.next);
        if let Some(key) = key {
            self.newest[key] = Some(self.next);
        }
    }

    fn come(&mut self, capacity: Capacity) {
        self.lose();
        let (now, received) = (at(self.millis), self.received());
        let resumed = self.session.resume(now, profile(capacity), received, |_| None);
        let (carrier, resumed) = resumed.expect("what was received was sent");
        self.carrier = Some(carrier);
        assert_eq!((resumed.gap, resumed.next), (None, received + 1), "nothing is missing");
    }

    fn write(&mut self) {
        let Some(carrier) = self.carrier else { return };
        match self.session.poll_transmit(at(self.millis), carrier) {
            Transmit::Frame { frame, last } => {
                self.flying.push_back(frame);
                self.carrier = self.carrier.filter(|_| !last);
            }
            Transmit::Pending => {}
            other => panic!("{other:?}"),
        }
    }

    fn arrive(&mut self) {
        let Some(frame) = self.flying.pop_front() else { return };
        let text = String::from_utf8(frame.payload().to_vec()).expect("text");
        self.arrived.extend(text.split(' ').map(|word| word.parse::<u32>().expect("a number")));
    }

    fn lose(&mut self) {
        self.flying.clear();
        if let Some(carrier) = self.carrier.take() {
            self.session.detach(at(self.millis), carrier);
        }
    }

    fn finish(&mut self) {
        self.come(Capacity::Unlimited);
        self.millis += 1_000;
        self.session.handle_timeout(at(self.millis));
        for _ in 0..200 {
            self.write();
            self.arrive();
        }
        assert_eq!(self.arrived, self.due, "all that was taken, once and in order, and nothing else");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_volatile_what_is_not_arrives_once_and_in_order(ops in prop::collection::vec(op(), 1..200)) {
        let mut model = Model::new();
        ops.into_iter().for_each(|op| model.act(op));
        model.finish();
    }
}

fn open() -> (Session, CarrierId) {
    let mut session = Session::new(at(0), config());
    session.keep();
    let carrier = session.attach(at(0), profile(Capacity::Unlimited), None);
    (session, carrier)
}

fn written(session: &mut Session, carrier: CarrierId) -> Vec<String> {
    let mut texts = Vec::new();
    while let Transmit::Frame { frame, .. } = session.poll_transmit(at(0), carrier) {
        texts.push(String::from_utf8(frame.payload().to_vec()).expect("text"));
    }
    texts
}

#[test]
fn a_volatile_event_is_left_out_where_more_than_a_little_waits_and_nothing_takes_it() {
    let (mut session, carrier) = open();
    for n in 0..9 {
        session.send(at(0), event(&n.to_string(), Flush::Now)).expect("there is room");
        let fate = session.send_volatile(at(0), encoded("v"), Flush::Now, None);
        assert_eq!(fate, Ok(if n < 4 { Fate::Queued } else { Fate::Dropped }), "{n}");
    }
    written(&mut session, carrier);
    assert_eq!(session.send_volatile(at(0), encoded("v"), Flush::Now, None), Ok(Fate::Queued));
    assert_eq!(session.numbered(), 13, "what was left out has no number");
}

#[test]
fn of_those_with_one_key_only_the_newest_waits_and_what_was_written_stays_written() {
    let (mut session, carrier) = open();
    let key: Arc<str> = "place".into();
    let move_to = |session: &mut Session, place: &str| {
        session.send_volatile(at(0), encoded(place), Flush::Now, Some(&key)).expect("it is open")
    };
    assert_eq!(move_to(&mut session, "here"), Fate::Queued);
    session.send(at(0), event("said", Flush::Now)).expect("there is room");
    assert_eq!(move_to(&mut session, "there"), Fate::Replaced);
    assert_eq!(written(&mut session, carrier), ["said", "there"]);
    assert_eq!(move_to(&mut session, "elsewhere"), Fate::Queued);
    assert_eq!(written(&mut session, carrier), ["elsewhere"]);
}

#[test]
fn who_is_away_goes_without_volatile_events_and_who_is_between_two_polls_does_not() {
    let (mut session, carrier) = open();
    session.detach(at(0), carrier);
    assert_eq!(session.send_volatile(at(0), encoded("v"), Flush::Now, None), Ok(Fate::Dropped));
    assert_eq!(session.send_volatile(at(0), encoded("v"), Flush::Now, Some(&"k".into())), Ok(Fate::Dropped));
    let poll = session.attach(at(0), profile(Capacity::Bytes(1)), None);
    session.finish(at(0), poll);
    assert_eq!(session.send_volatile(at(0), encoded("v"), Flush::Now, None), Ok(Fate::Queued));
}

#[test]
fn a_newer_one_for_which_there_is_no_room_leaves_the_older_where_it_is() {
    let (mut session, carrier) = open();
    let key: Arc<str> = "place".into();
    assert_eq!(session.send_volatile(at(0), encoded("here"), Flush::Now, Some(&key)), Ok(Fate::Queued));
    let large = encoded(&"x".repeat((1 << 20) + 1));
    assert_eq!(session.send_volatile(at(0), large, Flush::Now, Some(&key)), Ok(Fate::Dropped));
    assert_eq!(written(&mut session, carrier), ["here"]);
}
