//! One list of scenarios for every transport, with both ends in one thread on a virtual clock.

use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::codec::{Codec, Edn, Json};
use tsugi_proto::connection::{CAP, Outcome, Page, Reason, RequestError, State, Verdict};
use tsugi_proto::session::{SessionEvent, Transport};
use tsugi_proto::{Close, CloseCode, Event, Value};
use tsugi_testkit::link::{Air, Requests, WebSockets};
use tsugi_testkit::pair::numbers;
use tsugi_testkit::server_end::NEVER;
use tsugi_testkit::{Link, Pair};

/// A transport of DESIGN's table that this version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    WebSocket,
    Poll,
}

impl Row {
    fn transport(self) -> Transport {
        if self == Self::WebSocket { Transport::WebSocket } else { Transport::Poll }
    }

    fn websockets(self) -> WebSockets {
        if self == Self::WebSocket { WebSockets::Pass } else { WebSockets::Refuse }
    }

    /// A pair that has not begun.
    fn closed(self) -> Pair {
        let codec: Arc<dyn Codec> = match self {
            Self::WebSocket => Arc::new(Edn::default()),
            Self::Poll => Arc::new(Json::default()),
        };
        let mut pair = Pair::new(codec, Link::with_latency(millis(20)), dice());
        pair.link.websockets = self.websockets();
        pair
    }

    fn open(self) -> Pair {
        let mut pair = self.closed();
        pair.open();
        pair.settle();
        pair
    }
}

/// Runs one scenario on every row.
fn on_every_row(scenario: impl Fn(Row)) {
    scenario(Row::WebSocket);
    scenario(Row::Poll);
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Numbers that look random and are the same every time.
fn dice() -> impl FnMut() -> f64 + Send {
    let mut state = 1_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    }
}

fn event(id: &str, number: i64) -> Event {
    Event::new(id, &number).unwrap()
}

fn pushed(pair: &Pair) -> Vec<i64> {
    const NIL: &Value = &Value::Nil;
    numbers(pair.events.iter().map(|event| (event.id.as_str(), event.data.as_ref().unwrap_or(NIL))), "s/n")
}

fn sent(pair: &Pair) -> Vec<i64> {
    numbers(pair.server.received.iter().map(|(id, data)| (id.as_str(), data)), "c/n")
}

fn transport(pair: &Pair) -> Option<Transport> {
    match pair.client.state() {
        State::Open(open) => Some(open.transport),
        _ => None,
    }
}

fn outcome(pair: &Pair) -> Outcome {
    match pair.client.state() {
        State::Open(open) => open.outcome,
        state => panic!("{state:?}"),
    }
}

#[test]
fn connecting_shakes_hands_and_says_who_it_is() {
    on_every_row(|row| {
        let pair = row.open();
        let State::Open(open) = pair.client.state() else { panic!("{row:?}: {:?}", pair.client.state()) };
        assert_eq!((open.transport, open.outcome), (row.transport(), Outcome::New));
        assert_eq!(open.user, Some(Value::string("ann")));
        assert_eq!(pair.server.sessions(), 1);
        assert_eq!(pair.server.news, [SessionEvent::Online(row.transport())]);
    });
}

#[test]
fn a_request_gets_its_own_reply() {
    on_every_row(|row| {
        let mut pair = row.open();
        let requests: Vec<_> = (0..5).map(|n| pair.request(&event("c/n", n), secs(10)).unwrap()).collect();
        pair.settle();
        for (n, request) in requests.into_iter().enumerate() {
            assert_eq!(pair.reply(request), Some(&Ok(Value::Integer(n as i64))), "{row:?}");
        }
        assert_eq!(sent(&pair), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn pushes_come_in_order() {
    on_every_row(|row| {
        let mut pair = row.open();
        for n in 0..50 {
            pair.push(&event("s/n", n));
            pair.pass(millis(n as u64 % 7));
        }
        pair.pass(secs(1));
        assert_eq!(pushed(&pair), (0..50).collect::<Vec<_>>(), "{row:?}");
    });
}

#[test]
fn a_request_without_an_answer_times_out() {
    on_every_row(|row| {
        let mut pair = row.open();
        let request = pair.request(&Event::bare(NEVER).unwrap(), secs(10)).unwrap();
        pair.pass(millis(9_999));
        assert_eq!(pair.reply(request), None, "{row:?}");
        pair.pass(millis(1));
        assert_eq!(pair.reply(request), Some(&Err(RequestError::Timeout)));
    });
}

#[test]
fn a_connection_that_is_idle_for_an_hour_stays_open() {
    on_every_row(|row| {
        let mut pair = row.open();
        pair.pass(secs(3_600));
        assert_eq!(transport(&pair), Some(row.transport()));
        assert!(!pair.states.iter().any(|(_, state)| matches!(state, State::Waiting { .. })), "{row:?}");
        assert!(!pair.server.news.contains(&SessionEvent::Offline));
    });
}

#[test]
fn a_cut_connection_comes_back_to_its_session_with_what_was_pushed_meanwhile() {
    on_every_row(|row| {
        let mut pair = row.open();
        let request = pair.request(&event("c/n", 7), secs(30)).unwrap();
        pair.pass(millis(20));
        pair.cut();
        assert!(!pair.is_open(), "{row:?}");
        (0..5).for_each(|n| pair.push(&event("s/n", n)));
        assert!(pair.pass_until(secs(5), Pair::is_open), "{row:?}");
        assert_eq!((transport(&pair), outcome(&pair)), (Some(row.transport()), Outcome::Resumed));
        pair.settle();
        assert_eq!(pushed(&pair), [0, 1, 2, 3, 4]);
        assert_eq!(sent(&pair), [7], "{row:?}: whatever was cut, it is handled once");
        assert_eq!(pair.reply(request), Some(&Ok(Value::Integer(7))), "{row:?}");
        pair.pass(secs(30));
        assert_eq!(pair.settled.len(), 1, "{row:?}: settled once");
    });
}

#[test]
fn both_ends_notice_when_nothing_arrives_any_more_and_mend_it() {
    on_every_row(|row| {
        let mut pair = row.open();
        pair.link.air = Air::Silent;
        let since = pair.now();
        assert!(pair.pass_until(secs(60), |pair| !pair.is_open()), "{row:?}");
        // 25 s and 5 s for a ping; 20 s and 10 s for a poll.
        assert!(pair.now().since(since) <= secs(30), "{row:?}: {:?}", pair.now().since(since));
        pair.pass(secs(20));
        if row == Row::WebSocket {
            assert_eq!(pair.server.news.last(), Some(&SessionEvent::Offline));
        }
        pair.push(&event("s/n", 1));
        pair.link.air = Air::Clear;
        assert!(pair.pass_until(secs(60), Pair::is_open), "{row:?}");
        pair.push(&event("s/n", 2));
        pair.pass(secs(1));
        let pushed = pushed(&pair);
        assert_eq!(pushed, [1, 2], "{row:?}");
    });
}

#[test]
fn a_server_that_restarts_is_found_again_and_asked_again() {
    on_every_row(|row| {
        let mut pair = row.open();
        let never = pair.request(&Event::bare(NEVER).unwrap(), secs(60)).unwrap();
        pair.pass(millis(200));
        pair.restart_server();
        assert!(pair.pass_until(secs(1), |pair| !pair.is_open()), "{row:?}");
        assert!(pair.pass_until(secs(5), Pair::is_open), "{row:?}");
        assert_eq!(outcome(&pair), Outcome::New);
        let asked = |pair: &Pair| pair.server.received.iter().filter(|(id, _)| id.as_str() == NEVER).count();
        pair.settle();
        assert_eq!((pair.reply(never), asked(&pair)), (None, 2), "{row:?}: at least once");
        pair.push(&event("s/n", 1));
        pair.settle();
        assert_eq!((pushed(&pair), pair.server.sessions()), (vec![1], 1));
    });
}

#[test]
fn the_range_of_the_servers_close_says_whether_to_come_back() {
    on_every_row(|row| {
        for code in [1000, 1001, 1011, 1012, 1013, 3001, 3002, 4000, 4499] {
            let mut pair = row.open();
            pair.close_sessions(&Close::because(CloseCode::received(code), ""));
            assert!(pair.pass_until(secs(1), |pair| !pair.is_open()), "{row:?} {code}");
            assert!(pair.pass_until(secs(5), Pair::is_open), "{row:?} {code}");
        }
        for code in [3500, 3999, 4500, 4999] {
            let mut pair = row.open();
            pair.push(&event("s/n", 1));
            pair.close_sessions(&Close::because(CloseCode::received(code), "why"));
            pair.pass(secs(600));
            let State::Closed(loss) = pair.client.state() else { panic!("{row:?} {code}") };
            assert_eq!((loss.code, loss.message.as_deref()), (Some(CloseCode::received(code)), Some("why")));
            assert_eq!(pushed(&pair), [1], "what was queued came first");
            assert_eq!(pair.client.poll_timeout(), None);
        }
    });
}

#[test]
fn a_server_that_is_gone_is_asked_ever_more_seldom_but_never_given_up() {
    on_every_row(|row| {
        let mut pair = row.open();
        pair.pass(secs(10));
        pair.link.websockets = WebSockets::Refuse;
        pair.link.requests = Requests::Fail;
        pair.cut();
        pair.pass(secs(600));
        let waits = pair.states.iter().filter_map(|(at, state)| match state {
            State::Waiting { until, attempt, .. } => Some((*attempt, until.since(*at))),
            _ => None,
        });
        let waits = waits.collect::<Vec<_>>();
        assert_eq!(waits[0].0, 1, "{row:?}: counted from the start after a good connection");
        for (attempt, wait) in &waits {
            let bound = millis(500).saturating_mul(1 << (attempt - 1).min(10)).min(CAP);
            assert!(*wait >= millis(100) && *wait <= bound, "{row:?}: {wait:?} before attempt {attempt}");
        }
        assert!(waits.len() > 40, "{row:?}: {}", waits.len());
        pair.link.websockets = row.websockets();
        pair.link.requests = Requests::Pass;
        assert!(pair.pass_until(secs(25), Pair::is_open), "{row:?}");
    });
}

#[test]
fn a_page_that_is_offline_waits_and_comes_back_at_once() {
    on_every_row(|row| {
        let mut pair = row.open();
        pair.pass(secs(10));
        pair.set_page(Page::Offline);
        pair.cut();
        let State::Waiting { until, .. } = *pair.client.state() else { panic!("{row:?}") };
        assert_eq!(until.since(pair.now()), CAP);
        pair.pass(secs(5));
        pair.set_page(Page::Online);
        assert!(pair.pass_until(millis(250 + 500), Pair::is_open), "{row:?}");
        assert_eq!(outcome(&pair), Outcome::Resumed);
    });
}

#[test]
fn one_cut_after_another_loses_and_reorders_nothing_that_was_queued() {
    on_every_row(|row| {
        let mut pair = row.open();
        for round in 0..20 {
            pair.cut();
            (0..3).for_each(|n| pair.push(&event("s/n", 3 * round + n)));
            assert!(pair.pass_until(secs(30), Pair::is_open), "{row:?} {round}");
            pair.settle();
        }
        assert_eq!(pushed(&pair), (0..60).collect::<Vec<_>>(), "{row:?}");
        assert_eq!(pair.server.sessions(), 1);
    });
}

// From one row to the other.

#[test]
fn a_websocket_that_stays_mute_is_given_up_for_polling_within_3_s() {
    let mut pair = Row::WebSocket.closed();
    pair.link.websockets = WebSockets::Mute;
    pair.open();
    assert!(pair.pass_until(millis(3_000 + 200), Pair::is_open));
    let State::Open(open) = pair.client.state() else { panic!() };
    assert_eq!((open.transport, open.why), (Transport::Poll, Verdict::Mute));
}

/// Both ends talk for so long, and then a little longer until all has arrived.
fn talk(pair: &mut Pair, steps: i64) -> (Vec<i64>, Vec<i64>) {
    let mut accepted = (Vec::new(), Vec::new());
    for n in 0..steps {
        pair.push(&event("s/n", n));
        accepted.0.push(n);
        if n % 2 == 0 && pair.send(&event("c/n", n)).is_ok() {
            accepted.1.push(n);
        }
        pair.pass(millis(53));
    }
    pair.pass(secs(10));
    accepted
}

/// Latency, jitter and what HTTP takes longer, in ms.
fn climb_in_full_talk(latency: u64, jitter: u64, http_delay: u64, dice: u64) {
    let what = format!("latency {latency}, jitter {jitter}, HTTP {http_delay}, dice {dice}");
    let mut pair = Row::Poll.closed();
    pair.link.latency = millis(latency);
    pair.link.jitter = millis(jitter);
    pair.link.http_delay = millis(http_delay);
    pair.link.dice = dice;
    pair.open();
    assert!(pair.pass_until(secs(10), Pair::is_open), "{what}");
    pair.link.websockets = WebSockets::Pass;
    let (down, up) = talk(&mut pair, 1_000);
    assert_eq!(transport(&pair), Some(Transport::WebSocket), "{what}");
    assert_eq!(pushed(&pair), down, "{what}: downwards");
    assert_eq!(sent(&pair), up, "{what}: upwards");
    assert_eq!(up.len(), 500, "{what}: it took everything all the time");
    assert!(!pair.states.iter().any(|(_, state)| matches!(state, State::Waiting { .. })), "{what}");
    assert_eq!(pair.server.sessions(), 1, "{what}");
}

#[test]
fn it_climbs_from_a_poll_to_a_websocket_in_full_talk_without_loss_or_reorder() {
    for (latency, http_delay) in [(0, 0), (1, 0), (20, 0), (5, 100), (40, 200), (90, 0), (240, 0), (400, 0)] {
        climb_in_full_talk(latency, 0, http_delay, 0);
    }
    for dice in 0..5 {
        climb_in_full_talk(5, 100, 0, dice);
        climb_in_full_talk(5, 400, 0, dice);
        climb_in_full_talk(5, 700, 0, dice);
    }
}

#[test]
fn a_climb_onto_a_mute_websocket_swallows_nothing() {
    let mut pair = Row::Poll.open();
    pair.link.websockets = WebSockets::Mute;
    let (down, up) = talk(&mut pair, 2_000);
    assert!(pair.upgrades.len() >= 3, "it was tried");
    assert_eq!(transport(&pair), Some(Transport::Poll));
    assert_eq!((pushed(&pair), sent(&pair)), (down, up));
}

#[test]
fn a_websocket_that_is_blocked_later_gives_way_to_polling_and_comes_back() {
    let mut pair = Row::WebSocket.open();
    pair.pass(secs(10));
    pair.link.websockets = WebSockets::Refuse;
    pair.cut();
    assert!(pair.pass_until(secs(5), Pair::is_open));
    assert_eq!((transport(&pair), outcome(&pair)), (Some(Transport::Poll), Outcome::Resumed));
    pair.link.websockets = WebSockets::Pass;
    assert!(pair.pass_until(secs(40), |pair| transport(pair) == Some(Transport::WebSocket)));
    assert_eq!(outcome(&pair), Outcome::Resumed);
}

#[test]
fn it_climbs_soon_when_the_network_changes() {
    let mut pair = Row::Poll.open();
    pair.link.websockets = WebSockets::Pass;
    pair.set_page(Page::Online);
    assert!(pair.pass_until(secs(2), |pair| transport(pair) == Some(Transport::WebSocket)));
}

#[test]
fn polls_that_arrive_twice_double_and_reorder_nothing() {
    let mut pair = Row::Poll.open();
    pair.link.requests = Requests::GetsTwice;
    for n in 0..200 {
        pair.push(&event("s/n", n));
        pair.pass(millis(41));
    }
    pair.pass(secs(5));
    let pushed = pushed(&pair);
    assert!(pushed.windows(2).all(|pair| pair[0] < pair[1]), "{pushed:?}");
    assert!(pair.is_open());
    assert!(!pair.states.iter().any(|(_, state)| matches!(state, State::Waiting { .. })));
}

#[test]
fn a_session_that_is_away_for_two_minutes_is_gone_and_the_client_is_told() {
    on_every_row(|row| {
        let mut pair = row.open();
        let (websockets, requests) = (pair.link.websockets, pair.link.requests);
        pair.link.websockets = WebSockets::Refuse;
        pair.link.requests = Requests::Fail;
        pair.cut();
        pair.pass(secs(121));
        assert_eq!(pair.server.sessions(), 0, "{row:?}");
        pair.link.websockets = websockets;
        pair.link.requests = requests;
        assert!(pair.pass_until(secs(30), Pair::is_open), "{row:?}");
        assert_eq!(outcome(&pair), Outcome::New);
    });
}

#[test]
fn what_the_client_learns_of_a_loss_has_a_name() {
    let mut pair = Row::WebSocket.open();
    pair.link.air = Air::Silent;
    pair.pass(secs(30));
    let State::Waiting { loss, .. } = pair.client.state() else { panic!() };
    assert_eq!((loss.reason, loss.code), (Reason::Timeout, Some(CloseCode::PING_TIMEOUT)));
}
