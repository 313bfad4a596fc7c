//! Random faults, and what must hold all the same.

use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::codec::Json;
use tsugi_proto::connection::{ItemId, Page, RequestError};
use tsugi_proto::{Event, Value};
use tsugi_testkit::link::{Air, Requests, WebSockets};
use tsugi_testkit::pair::numbers;
use tsugi_testkit::{Link, Pair};

#[derive(Clone, Debug)]
enum Step {
    Push,
    Send,
    Request,
    Pass(u64),
    WebSockets(WebSockets),
    Requests(Requests),
    Air(Air),
    Cut,
    Restart,
    Page(Page),
    Reconnect,
}

fn step() -> impl Strategy<Value = Step> {
    let websockets =
        prop_oneof![3 => Just(WebSockets::Pass), 1 => Just(WebSockets::Refuse), 1 => Just(WebSockets::Mute)];
    let requests = prop_oneof![3 => Just(Requests::Pass), 1 => Just(Requests::Fail), 1 => Just(Requests::GetsTwice)];
    let page = prop_oneof![Just(Page::Online), Just(Page::Offline), Just(Page::Visible), Just(Page::Hidden)];
    let pass = prop_oneof![Just(0), 1_u64..300, 300_u64..5_000, 5_000_u64..60_000];
    prop_oneof![
        20 => Just(Step::Push),
        12 => Just(Step::Send),
        12 => Just(Step::Request),
        30 => pass.prop_map(Step::Pass),
        6 => websockets.prop_map(Step::WebSockets),
        3 => requests.prop_map(Step::Requests),
        3 => prop_oneof![Just(Air::Clear), Just(Air::Silent)].prop_map(Step::Air),
        4 => Just(Step::Cut),
        1 => Just(Step::Restart),
        3 => page.prop_map(Step::Page),
        1 => Just(Step::Reconnect),
    ]
}

/// Latency, jitter, and what HTTP takes longer, in ms.
fn times() -> impl Strategy<Value = (u64, u64, u64)> {
    let some = || prop_oneof![Just(0_u64), 1_u64..50, 50_u64..250];
    (prop_oneof![Just(0_u64), 1_u64..50, 50_u64..400], some(), some())
}

struct Run {
    pair: Pair,
    next: i64,
    /// What was pushed while the client had a session.
    pushed: Vec<i64>,
    /// What was taken, with its number in the outbox.
    sent: Vec<(i64, ItemId)>,
    restarted: bool,
}

impl Run {
    fn take(&mut self, step: &Step) {
        let event = |id: &str, number: i64| Event::new(id, &number).unwrap();
        self.next += 1;
        match step {
            Step::Push => {
                if self.pair.server.sessions() > 0 {
                    self.pushed.push(self.next);
                }
                self.pair.push(&event("s/n", self.next));
            }
            Step::Send => {
                if let Ok(item) = self.pair.send(&event("c/n", self.next)) {
                    self.sent.push((self.next, item));
                }
            }
            Step::Request => {
                let request = self.pair.request(&event("c/n", self.next), Duration::from_secs(10));
                if let Ok(item) = request {
                    self.sent.push((self.next, item));
                }
            }
            Step::Pass(millis) => self.pair.pass(Duration::from_millis(*millis)),
            Step::WebSockets(websockets) => self.pair.link.websockets = *websockets,
            Step::Requests(requests) => self.pair.link.requests = *requests,
            Step::Air(air) => self.pair.link.air = *air,
            Step::Cut => self.pair.cut(),
            Step::Restart => {
                self.restarted = true;
                self.pair.restart_server();
            }
            Step::Page(page) => self.pair.set_page(*page),
            Step::Reconnect => self.pair.reconnect(),
        }
    }

    /// Everything works again, and nobody waits for the page.
    fn mend(&mut self) {
        self.pair.link.websockets = WebSockets::Pass;
        self.pair.link.requests = Requests::Pass;
        self.pair.link.air = Air::Clear;
        self.pair.set_page(Page::Visible);
        self.pair.set_page(Page::Online);
        self.pair.pass(Duration::from_secs(60));
        assert!(self.pair.pass_until(Duration::from_secs(60), Pair::is_open), "{:?}", self.pair.client.state());
    }

    fn check(&mut self) {
        const NIL: &Value = &Value::Nil;
        let events = self.pair.events.iter();
        let pushed = numbers(events.map(|event| (event.id.as_str(), event.data.as_ref().unwrap_or(NIL))), "s/n");
        assert!(pushed.windows(2).all(|pair| pair[0] < pair[1]), "doubled or reordered downwards: {pushed:?}");
        if self.pair.server.begun() == 1 {
            assert_eq!(pushed, self.pushed, "one session, so nothing is lost");
            assert!(self.pair.gaps.is_empty(), "and nobody is told of a gap: {:?}", self.pair.gaps);
        }
        let received = numbers(self.pair.server.received.iter().map(|(id, data)| (id.as_str(), data)), "c/n");
        if !self.restarted {
            assert!(received.windows(2).all(|pair| pair[0] < pair[1]), "doubled or reordered upwards: {received:?}");
        }
        let settled: BTreeSet<_> = self.pair.settled.iter().map(|(item, _)| *item).collect();
        assert_eq!(settled.len(), self.pair.settled.len(), "settled twice");
        assert_eq!(settled, self.sent.iter().map(|(_, item)| *item).collect(), "everything settles");
        for (number, item) in &self.sent {
            match self.pair.reply(*item) {
                Some(Ok(_)) => assert!(received.contains(number), "{number} was said to be handled, and was not"),
                Some(Err(RequestError::Timeout)) => {}
                other => panic!("{number} ended with {other:?}"),
            }
        }
        assert!(
            received.iter().all(|number| self.sent.iter().any(|(sent, _)| sent == number)),
            "handled what was refused"
        );
        assert_eq!(self.pair.client.pending(), 0);
    }
}

fn run((latency, jitter, http_delay): (u64, u64, u64), seed: u64, steps: &[Step]) {
    let mut state = seed;
    let random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    };
    let mut link = Link::with_latency(Duration::from_millis(latency));
    link.jitter = Duration::from_millis(jitter);
    link.http_delay = Duration::from_millis(http_delay);
    let mut run = Run {
        pair: Pair::new(Arc::new(Json::default()), link, random),
        next: 0,
        pushed: Vec::new(),
        sent: Vec::new(),
        restarted: false,
    };
    run.pair.open();
    steps.iter().for_each(|step| run.take(step));
    run.mend();
    run.check();
    // What is said on a mended connection arrives.
    run.take(&Step::Push);
    run.take(&Step::Request);
    run.pair.pass(Duration::from_secs(5));
    let last = run.sent.last().and_then(|(_, item)| run.pair.reply(*item));
    assert_eq!(last, Some(&Ok(Value::Integer(run.next))));
    assert_eq!(run.pair.events.last().and_then(|event| event.data.clone()), Some(Value::Integer(run.next - 1)));
    run.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_network_does_nothing_is_doubled_or_reordered_every_request_settles_and_it_mends(
        times in times(),
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        run(times, seed, &steps);
    }
}
