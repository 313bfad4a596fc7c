//! The client's end of a connection, rule by rule, on a virtual clock: docs/wire.md, "A client's timing", "Taking over".

use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::codec::{Codec, Json};
use tsugi_proto::connection::{
    Config, Connection, ExchangeId, ItemId, Method, Outcome, Output, Page, Path, Paths, Reason, Reply, Request,
    RequestError, SEND_TIMEOUT, SendError, State, Verdict, WhileDown, backoff,
};
use tsugi_proto::session::Transport;
use tsugi_proto::{Close, CloseCode, Event, Instant, Message, Value};

pub(crate) const HANDSHAKE: &str = r#"[["chsk/handshake",["ann",null,null,{"tsugi":1}]],null]"#;
const SENTE: &str = r#"[["chsk/handshake",["ann",null,null]],null]"#;
pub(crate) const NEW: &str = r#"[["chsk/welcome",{"session":"s","outcome":"new","next":1}],null]"#;
const RESUMED: &str = r#"[["chsk/welcome",{"session":"s","outcome":"resumed"}],null]"#;
const TAKEN: &str = r#"["chsk/dummy-cb-200",null]"#;
const NOTHING: &str = "[[],null]";

/// A connection, a clock, and the network's end of everything it asked for.
pub(crate) struct World {
    pub(crate) connection: Connection,
    millis: u64,
    sockets: Vec<Socket>,
    requests: VecDeque<(ExchangeId, Request)>,
    /// Every request there ever was.
    asked: usize,
    told: Vec<String>,
    settled: Vec<(ItemId, Reply)>,
}

pub(crate) struct Socket {
    path: Path,
    query: Vec<(String, String)>,
    pub(crate) sent: Vec<String>,
    closed: Option<Close>,
}

fn json() -> Arc<dyn Codec> {
    Arc::new(Json::default())
}

pub(crate) fn event(id: &str, data: i64) -> Event {
    Event::new(id, &data).unwrap()
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl World {
    pub(crate) fn new(change: impl FnOnce(&mut Config)) -> Self {
        Self::with_dice(0.5, change)
    }

    pub(crate) fn with_dice(random: f64, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(json(), "c", [0xab; 16]).unwrap();
        change(&mut config);
        let mut world = Self {
            connection: Connection::new(config, move || random),
            millis: 1_000,
            sockets: Vec::new(),
            requests: VecDeque::new(),
            asked: 0,
            told: Vec::new(),
            settled: Vec::new(),
        };
        world.act(Connection::open);
        world
    }

    pub(crate) fn start() -> Self {
        Self::new(|_| {})
    }

    pub(crate) fn websocket_only() -> Self {
        Self::new(|config| config.paths = Paths::WebSocket)
    }

    pub(crate) fn open() -> Self {
        let mut world = Self::start();
        world.opens(NEW);
        world
    }

    /// Polling because the upgrade was refused, with a poll outstanding.
    pub(crate) fn polling() -> Self {
        let mut world = Self::start();
        world.ends(1006);
        world.begins_polling(NEW);
        world
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::after_origin(Duration::from_millis(self.millis))
    }

    pub(crate) fn act<T>(&mut self, act: impl FnOnce(&mut Connection, Instant) -> T) -> T {
        let now = self.now();
        let result = act(&mut self.connection, now);
        while let Some(output) = self.connection.poll() {
            self.take(output);
        }
        result
    }

    pub(crate) fn take(&mut self, output: Output) {
        match output {
            Output::Connect { path, query } => {
                self.sockets.push(Socket { path, query, sent: Vec::new(), closed: None });
            }
            Output::Transmit { path, message } => {
                let text = String::from_utf8(message.as_bytes().to_vec()).unwrap();
                let socket = self.sockets.iter_mut().find(|socket| socket.path == path).unwrap();
                assert!(socket.closed.is_none(), "{text} after the end");
                socket.sent.push(text);
            }
            Output::Disconnect { path, close } => {
                let socket = self.sockets.iter_mut().find(|socket| socket.path == path).unwrap();
                assert!(socket.closed.replace(close).is_none(), "closed twice");
            }
            Output::Exchange { exchange, request } => {
                self.asked += 1;
                self.requests.push_back((exchange, request));
            }
            Output::Abort { exchange } => self.requests.retain(|(id, _)| *id != exchange),
            Output::Event(event) => self.told.push(format!("{} {:?}", event.id, event.data.unwrap())),
            Output::Gap(gap) => self.told.push(format!("gap {}-{:?} {:?}", gap.from, gap.to, gap.why)),
            Output::BadEvent(value) => self.told.push(format!("bad {value:?}")),
            Output::Settled { item, result } => self.settled.push((item, result)),
            Output::State(state) => self.told.push(name(&state)),
        }
    }

    /// Time passes, and every timer has its moment.
    pub(crate) fn pass(&mut self, millis: u64) {
        let until = self.millis + millis;
        while let Some(due) = self.connection.poll_timeout() {
            let due = u64::try_from(due.since_origin().as_nanos().div_ceil(1_000_000)).unwrap();
            if due > until {
                break;
            }
            self.millis = self.millis.max(due);
            let before = self.now();
            self.act(Connection::handle_timeout);
            let next = self.connection.poll_timeout();
            assert!(next.is_none_or(|next| next > before), "a timer that was handled is still due");
        }
        self.millis = until;
    }

    // The network's end.

    pub(crate) fn socket(&mut self) -> &mut Socket {
        self.sockets.last_mut().unwrap()
    }

    pub(crate) fn says(&mut self, texts: &[&str]) {
        let path = self.socket().path;
        for text in texts {
            self.act(|connection, now| connection.handle_message(now, path, &Message::text(*text)));
        }
    }

    pub(crate) fn ends(&mut self, code: u16) {
        let path = self.socket().path;
        let close = (code != 1006).then(|| Close::because(CloseCode::received(code), "why"));
        self.act(|connection, now| connection.handle_closed(now, path, close));
    }

    pub(crate) fn opens(&mut self, welcome: &str) {
        self.says(&[HANDSHAKE, welcome]);
    }

    pub(crate) fn open_request(&self, method: Method) -> Option<&Request> {
        self.requests.iter().map(|(_, request)| request).find(|request| request.method == method)
    }

    pub(crate) fn body(&self) -> String {
        String::from_utf8(self.open_request(Method::Post).unwrap().body.to_vec()).unwrap()
    }

    pub(crate) fn take_request(&mut self, method: Method) -> ExchangeId {
        let index = self.requests.iter().position(|(_, request)| request.method == method);
        self.requests.remove(index.expect("no such request")).unwrap().0
    }

    pub(crate) fn answers(&mut self, method: Method, body: &str) {
        let id = self.take_request(method);
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.act(|connection, now| connection.handle_response(now, id, 200, body, None));
    }

    pub(crate) fn status(&mut self, method: Method, status: u16, retry_after: Option<Duration>) {
        let id = self.take_request(method);
        self.act(|connection, now| connection.handle_response(now, id, status, Bytes::new(), retry_after));
    }

    pub(crate) fn fails(&mut self, method: Method) {
        let id = self.take_request(method);
        self.act(|connection, now| connection.handle_failure(now, id, "cut"));
    }

    pub(crate) fn begins_polling(&mut self, welcome: &str) {
        self.answers(Method::Get, HANDSHAKE);
        self.answers(Method::Post, welcome);
    }

    /// Time passes, and the server answers held polls as it should.
    pub(crate) fn hold(&mut self, millis: u64) {
        for _ in 0..millis / 1_000 {
            self.pass(1_000);
            if self.open_request(Method::Get).is_some() {
                self.answers(Method::Get, NOTHING);
            }
        }
    }

    // The application's end.

    pub(crate) fn send(&mut self, id: &str, data: i64) -> Result<ItemId, SendError> {
        self.act(|connection, now| connection.send(now, &event(id, data), SEND_TIMEOUT))
    }

    pub(crate) fn request(&mut self, id: &str, data: i64, seconds: u64) -> ItemId {
        self.act(|connection, now| connection.request(now, &event(id, data), secs(seconds))).unwrap()
    }

    pub(crate) fn state(&self) -> String {
        name(self.connection.state())
    }

    pub(crate) fn wait(&self) -> Duration {
        match self.connection.state() {
            State::Waiting { until, .. } => until.since(self.now()),
            state => panic!("{state:?}"),
        }
    }

    /// Until the next attempt begins, and no longer: it would be given up after 3 s.
    pub(crate) fn wait_out(&mut self) {
        let wait = self.wait();
        self.pass(u64::try_from(wait.as_millis()).unwrap());
    }

    pub(crate) fn reply(&self, request: ItemId) -> &Reply {
        let mut replies = self.settled.iter().filter(|(id, _)| *id == request);
        let reply = replies.next().expect("not settled");
        assert!(replies.next().is_none(), "settled twice");
        &reply.1
    }

    pub(crate) fn no_reply(&self, request: ItemId) -> bool {
        self.settled.iter().all(|(id, _)| *id != request)
    }
}

/// What a client says that had a session, so many items of it, and sent so many of its own.
pub(crate) fn hello(received: u64, sent: u64) -> String {
    let outbox = "ab".repeat(16);
    format!(
        r#"[["chsk/hello",{{"session":"s","received":{received},"outbox":"{outbox}","sent":{sent},"attempt":2}}],null]"#
    )
}

/// A welcome that names how far the server is with the outbox.
pub(crate) fn welcome(outcome: &str, taken: u64, handled: u64) -> String {
    let counts = format!(r#""next":1,"taken":{taken},"handled":{handled}"#);
    format!(r#"[["chsk/welcome",{{"session":"s","outcome":"{outcome}",{counts}}}],null]"#)
}

fn name(state: &State) -> String {
    match state {
        State::Idle => "idle".to_owned(),
        State::Connecting { transport, .. } => format!("connecting {transport:?}"),
        State::Open(open) => format!("open {:?}", open.transport),
        State::Waiting { loss, .. } => format!("waiting {:?}", loss.reason),
        State::Closed(loss) => format!("closed {:?}", loss.reason),
    }
}

// Beginning.

#[test]
fn it_asks_for_the_extension_and_says_hello_only_after_the_handshake() {
    let mut connection = Connection::new(
        {
            let mut config = Config::new(json(), "c", [0xab; 16]).unwrap();
            config.params = vec![("room".to_owned(), "a b".to_owned())];
            config
        },
        || 0.5,
    );
    connection.set_csrf_token(Some("tok".to_owned()));
    let mut world = World::start();
    world.connection = connection;
    world.sockets.clear();
    world.act(Connection::open);
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let asked = [own("room", "a b"), own("client-id", "c"), own("tsugi", "1"), own("codec", "json")];
    assert_eq!(world.socket().query, asked);
    assert!(world.socket().sent.is_empty());
    world.says(&[HANDSHAKE]);
    assert_eq!(
        world.socket().sent,
        [
            r#"[["chsk/hello",{"received":0,"outbox":"abababababababababababababababab","sent":0,"attempt":1,"csrf":"tok"}],null]"#
        ]
    );
    assert_eq!(world.state(), "connecting WebSocket");
    world.says(&[NEW]);
    let State::Open(open) = world.connection.state() else { panic!() };
    assert_eq!((open.user.clone(), open.outcome), (Some(Value::string("ann")), Outcome::New));
}

#[test]
fn a_mute_websocket_is_given_up_after_3_s_for_polling() {
    let mut world = World::start();
    world.pass(2_999);
    assert_eq!(world.asked, 0);
    world.pass(1);
    assert!(world.socket().closed.is_some());
    world.begins_polling(NEW);
    let State::Open(open) = world.connection.state() else { panic!() };
    assert_eq!((open.transport, open.why), (Transport::Poll, Verdict::Mute));
}

#[test]
fn a_websocket_that_says_the_handshake_and_nothing_more_is_given_up() {
    let mut world = World::start();
    world.pass(1_000);
    world.says(&[HANDSHAKE]);
    world.pass(3_000);
    assert_eq!(world.state(), "waiting Timeout");
}

#[test]
fn after_a_failed_upgrade_the_status_of_one_poll_decides() {
    for status in [401, 402, 403] {
        let mut world = World::start();
        world.ends(1006);
        world.status(Method::Get, status, None);
        world.pass(600_000);
        let State::Closed(loss) = world.connection.state() else { panic!("{status}") };
        assert_eq!((loss.reason, loss.status), (Reason::Refused, Some(status)));
        assert_eq!((world.sockets.len(), world.asked), (1, 1));
        assert_eq!(world.connection.poll_timeout(), None);
    }
}

#[test]
fn a_400_is_a_mistake_and_stops_too() {
    let mut world = World::start();
    world.ends(1006);
    world.status(Method::Get, 400, None);
    assert_eq!(world.state(), "closed Rejected");
}

#[test]
fn what_is_no_handshake_is_a_broken_rule_and_three_are_enough() {
    let mut world = World::websocket_only();
    for _ in 0..3 {
        world.says(&["[[],null]"]);
        if world.state() == "waiting BadFrame" {
            world.wait_out();
        }
    }
    assert_eq!(world.state(), "closed BadFrame");
    assert_eq!(world.sockets.len(), 3);
}

// Plain Sente.

#[test]
fn after_a_handshake_of_three_elements_it_speaks_plain_sente() {
    let mut world = World::start();
    world.says(&[SENTE]);
    assert_eq!(world.state(), "open WebSocket");
    let request = world.request("a/b", 1, 10);
    assert_eq!(world.socket().sent, [r#"[["a/b",1],"000001"]"#]);
    world.says(&[r#"["fine","000001"]"#]);
    assert_eq!(*world.reply(request), Ok(Value::string("fine")));
    let lost = world.request("a/b", 2, 60);
    world.ends(1006);
    assert_eq!(*world.reply(lost), Err(RequestError::Disconnected));
}

#[test]
fn a_sente_post_is_a_form_whose_answer_is_the_reply() {
    let mut world = World::start();
    world.ends(1006);
    world.answers(Method::Get, SENTE);
    assert_eq!(world.state(), "open Poll");
    let request = world.request("a/b", 1, 10);
    assert_eq!(world.body(), "ppstr=%5B%5B%22a%2Fb%22%2C1%5D%2C%22ajax%22%5D");
    let headers = &world.open_request(Method::Post).unwrap().headers;
    assert!(headers.contains(&("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8".to_owned())));
    assert!(headers.iter().all(|(name, _)| *name != "Tsugi-Session"));
    world.answers(Method::Post, r#"["fine",null]"#);
    assert_eq!(*world.reply(request), Ok(Value::string("fine")));
    let late = world.request("a/b", 1, 10);
    world.answers(Method::Post, r#"["chsk/timeout",null]"#);
    assert_eq!(*world.reply(late), Err(RequestError::Timeout));
}

#[test]
fn it_does_not_climb_with_plain_sente_to_which_two_carriers_are_two_clients() {
    let mut world = World::start();
    world.ends(1006);
    world.answers(Method::Get, SENTE);
    world.hold(400_000);
    assert_eq!(world.sockets.len(), 1);
}

// Coming back.

#[test]
fn it_never_comes_back_at_once_and_waits_up_to_20_s() {
    let mut world = World::websocket_only();
    let mut waits = Vec::new();
    for _ in 0..9 {
        world.ends(1006);
        waits.push(world.wait().as_millis());
        world.wait_out();
    }
    assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
}

#[test]
fn backoff_is_uniform_below_a_doubling_bound_and_never_less_than_100_ms() {
    for attempt in [0, 1, 5, 6, 30, 31, 32, 33, u32::MAX] {
        let bound = Duration::from_millis(500).mul_f64(2_f64.powi(attempt.min(10) as i32)).min(secs(20));
        assert_eq!(backoff(attempt, 0.0), Duration::from_millis(100));
        assert_eq!(backoff(attempt, 1.0), bound);
        assert_eq!(backoff(attempt, 0.75), bound.mul_f64(0.75));
        assert_eq!(backoff(attempt, -5.0), Duration::from_millis(100));
        assert_eq!(backoff(attempt, 7.0), bound);
    }
    let mut world = World::with_dice(0.0, |config| config.paths = Paths::WebSocket);
    world.ends(1006);
    assert_eq!(world.wait(), Duration::from_millis(100));
}

#[test]
fn a_server_that_accepts_and_closes_is_not_hammered() {
    let mut world = World::websocket_only();
    for _ in 0..200 {
        if world.state() == "connecting WebSocket" {
            world.opens(RESUMED);
            world.ends(1011);
        }
        world.pass(50);
    }
    assert!(world.sockets.len() < 8, "{}", world.sockets.len());
}

#[test]
fn it_counts_from_the_start_again_after_5_s_open() {
    for (open_for, wait) in [(4_999, 4_000), (5_000, 250)] {
        let mut world = World::websocket_only();
        world.opens(NEW);
        for _ in 0..4 {
            world.ends(1006);
            world.wait_out();
        }
        world.opens(RESUMED);
        world.pass(open_for);
        world.ends(1006);
        assert_eq!(world.wait(), Duration::from_millis(wait), "{open_for}");
    }
}

#[test]
fn a_page_without_network_or_eyes_slows_to_the_cap_and_comes_back_within_250_ms() {
    for (away, back) in [(Page::Offline, Page::Online), (Page::Hidden, Page::Visible)] {
        let mut world = World::websocket_only();
        world.opens(NEW);
        world.act(|connection, now| connection.set_page(now, away));
        world.ends(1006);
        assert_eq!(world.wait(), secs(20));
        world.pass(20_000);
        assert_eq!(world.sockets.len(), 2, "it slows down, but never stops");
        world.ends(1006);
        assert_eq!(world.wait(), secs(20));
        world.act(|connection, now| connection.set_page(now, back));
        assert_eq!(world.wait(), Duration::from_millis(125));
        world.pass(125);
        assert_eq!(world.sockets.len(), 3);
    }
}

#[test]
fn after_a_503_it_waits_as_long_as_it_was_told_whatever_the_page_does() {
    let mut world = World::start();
    world.ends(1006);
    world.status(Method::Get, 503, Some(secs(30)));
    world.act(|connection, now| connection.set_page(now, Page::Visible));
    world.pass(30_249);
    assert_eq!(world.sockets.len(), 1);
    world.pass(1);
    assert_eq!(world.sockets.len(), 2);
}

#[test]
fn it_comes_back_at_the_moment_that_a_server_which_goes_has_told_it_whatever_the_page_does() {
    let mut world = World::open();
    world.says(&[r#"[["chsk/retry",7000],null]"#]);
    world.act(|connection, now| connection.set_page(now, Page::Hidden));
    world.ends(1001);
    assert_eq!(world.wait(), secs(7));
    let State::Waiting { loss, attempt, .. } = world.connection.state() else {
        panic!("{:?}", world.connection.state())
    };
    assert_eq!((loss.reason, loss.code, *attempt), (Reason::Busy, Some(CloseCode::GOING_AWAY), 0));
    world.act(|connection, now| connection.set_page(now, Page::Visible));
    world.pass(6_999);
    assert_eq!(world.sockets.len(), 1);
    world.pass(1);
    assert_eq!(world.sockets.len(), 2);
    world.ends(1006);
    world.fails(Method::Get);
    assert_eq!(world.wait(), Duration::from_millis(250), "from then on as after any loss");
}

#[test]
fn a_polls_last_answer_tells_it_too() {
    let mut world = World::polling();
    world.answers(Method::Get, "[[\"chsk/retry\",7000],null]\n[[\"chsk/close\",{\"code\":1001}],null]");
    assert_eq!(world.wait(), secs(7));
}

#[test]
fn no_server_makes_a_client_wait_for_more_than_five_minutes_or_come_back_when_it_must_not() {
    let mut world = World::open();
    world.says(&[r#"[["chsk/retry",86400000],null]"#]);
    world.ends(1001);
    assert_eq!(world.wait(), secs(300));
    let mut world = World::open();
    world.says(&[r#"[["chsk/retry",7000],null]"#]);
    world.ends(4500);
    assert!(world.state().starts_with("closed"), "{}", world.state());
}

#[test]
fn the_range_of_a_close_code_says_whether_to_come_back() {
    for code in [1000, 1001, 1006, 1011, 1012, 1013, 3001, 3002, 3003, 3499, 4000, 4499] {
        let mut world = World::open();
        world.ends(code);
        assert!(matches!(world.connection.state(), State::Waiting { .. }), "{code}");
    }
    for code in [3500, 3999, 4500, 4999] {
        let mut world = World::open();
        world.ends(code);
        let State::Closed(loss) = world.connection.state() else { panic!("{code}") };
        assert_eq!(loss.code, Some(CloseCode::received(code)));
        assert_eq!(loss.reason == Reason::Replaced, code == 3500);
        assert_eq!(world.connection.poll_timeout(), None);
    }
}

#[test]
fn broken_rules_three_times_in_a_row_stop_it() {
    for code in [1002, 1003, 1007, 1008, 1009] {
        let mut world = World::websocket_only();
        for n in 0..3 {
            assert_ne!(world.state(), "closed Server", "{code} only {n} times");
            world.opens(NEW);
            world.ends(code);
            world.pass(10_000);
        }
        assert_eq!(world.state(), "closed Server", "{code}");
    }
}

#[test]
fn broken_rules_with_a_good_connection_between_them_do_not() {
    let mut world = World::websocket_only();
    for _ in 0..6 {
        world.opens(NEW);
        world.pass(5_000);
        world.ends(1008);
        world.wait_out();
    }
    assert_eq!(world.sockets.len(), 7);
}

#[test]
fn websockets_that_are_cut_young_three_times_give_way_to_polling() {
    let mut world = World::open();
    for _ in 0..2 {
        world.ends(1006);
        world.pass(2_000);
        world.opens(RESUMED);
    }
    world.ends(1006);
    world.pass(2_000);
    assert_eq!(world.state(), "connecting Poll");
}

#[test]
fn it_resumes_its_session_by_name_and_requests_that_wait_are_still_answered() {
    let mut world = World::open();
    let request = world.request("a/b", 1, 60);
    world.ends(1006);
    world.pass(250);
    world.says(&[HANDSHAKE]);
    assert_eq!(world.socket().sent, [hello(0, 1)]);
    world.says(&[&welcome("resumed", 1, 0), r#"["late",1]"#]);
    assert_eq!(world.socket().sent.len(), 1, "what the server has is not sent again");
    assert_eq!(*world.reply(request), Ok(Value::string("late")));
}

#[test]
fn plain_sente_has_no_sessions_so_a_loss_fails_what_was_sent_and_nothing_else() {
    let mut world = World::start();
    world.says(&[SENTE]);
    let request = world.request("a/b", 1, 60);
    world.ends(1006);
    assert_eq!(*world.reply(request), Err(RequestError::Disconnected));
    world.send("a/c", 2).unwrap();
    world.pass(250);
    world.says(&[SENTE]);
    assert_eq!(world.socket().sent, [r#"[["a/c",2],null]"#]);
}

#[test]
fn it_says_what_happens_in_order() {
    let mut world = World::open();
    world.ends(1012);
    world.pass(250);
    world.opens(RESUMED);
    world.connection.close(&Close::because(CloseCode::NORMAL, "bye"));
    world.act(|_, _| ());
    let told = ["connecting WebSocket", "open WebSocket", "waiting Server"];
    assert_eq!(world.told[..3], told);
    assert_eq!(world.told[3..], ["connecting WebSocket", "open WebSocket", "closed Closed"]);
    assert_eq!(world.socket().closed, Some(Close::because(CloseCode::NORMAL, "bye")));
}

#[test]
fn after_close_nothing_is_left_that_could_connect() {
    let mut world = World::open();
    world.ends(1006);
    world.act(|connection, _| connection.close(&Close::because(CloseCode::NORMAL, "")));
    world.act(|connection, now| connection.set_page(now, Page::Online));
    world.pass(600_000);
    assert_eq!(world.sockets.len(), 1);
    assert_eq!(world.connection.poll_timeout(), None);
    world.act(Connection::open);
    assert_eq!(world.sockets.len(), 2, "but opening it again does");
}

#[test]
fn reconnecting_never_makes_two_connections_of_one() {
    let mut world = World::open();
    for _ in 0..3 {
        world.act(Connection::reconnect);
    }
    assert_eq!(world.sockets.iter().filter(|socket| socket.closed.is_none()).count(), 1);
    world.says(&[HANDSHAKE]);
    assert_eq!(world.socket().sent, [hello(0, 0)]);
}

#[test]
fn a_late_word_of_an_old_websocket_means_nothing() {
    let mut world = World::open();
    let old = world.socket().path;
    world.act(Connection::reconnect);
    world.opens(RESUMED);
    world.act(|connection, now| connection.handle_closed(now, old, None));
    world.act(|connection, now| connection.handle_message(now, old, &Message::text(r#"[[["s/x",1]],null]"#)));
    assert_eq!(world.state(), "open WebSocket");
    assert!(!world.told.iter().any(|told| told.starts_with("s/x")));
}

// Requests and events.

#[test]
fn requests_time_out_by_the_clock_connected_or_not() {
    let mut world = World::open();
    let request = world.request("a/b", 1, 10);
    world.ends(1006);
    world.pass(9_999);
    assert!(world.no_reply(request));
    world.pass(1);
    assert_eq!(*world.reply(request), Err(RequestError::Timeout));
    assert_eq!(world.connection.pending(), 0);
}

#[test]
fn closing_settles_every_request() {
    let mut world = World::open();
    let first = world.request("a/b", 1, 10);
    let second = world.request("a/b", 2, 10);
    world.act(|connection, _| connection.close(&Close::because(CloseCode::NORMAL, "")));
    assert_eq!(*world.reply(first), Err(RequestError::Closed));
    assert_eq!(*world.reply(second), Err(RequestError::Closed));
}

#[test]
fn the_slot_is_looked_at_first_for_a_reply_may_look_like_anything() {
    let mut world = World::open();
    let request = world.request("a/b", 1, 10);
    world.says(&[r#"["chsk/ws-ping",1]"#]);
    assert_eq!(*world.reply(request), Ok(Value::string("chsk/ws-ping")));
    world.says(&[r#"["again",1]"#]);
    assert_eq!(world.settled.len(), 1, "a second reply is nobody's");
}

#[test]
fn a_failure_of_the_server_keeps_its_code() {
    let mut world = World::open();
    let request = world.request("a/b", 1, 10);
    world.says(&[r#"[["chsk/error",{"code":"unknown-event","message":"no route","data":7}],1]"#]);
    let Err(RequestError::Failed(failure)) = world.reply(request) else { panic!() };
    assert_eq!((&*failure.code, &*failure.message), ("unknown-event", "no route"));
    assert_eq!(failure.data, Value::Integer(7));
}

#[test]
fn what_cannot_be_sent_is_refused_by_name() {
    let mut world = World::new(|config| {
        config.while_down = WhileDown::Refuse;
        config.max_queue = 2;
        config.max_queue_bytes = 60;
    });
    assert_eq!(world.send("a/b", 1), Err(SendError::Disconnected));
    world.says(&[r#"[["chsk/handshake",[null,null,null,{"tsugi":1,"max-message":40}]],null]"#, NEW]);
    assert_eq!(world.send("chsk/x", 1), Err(SendError::Reserved));
    let too_large = world.act(|connection, now| connection.send(now, &long(40), SEND_TIMEOUT));
    assert_eq!(too_large, Err(SendError::TooLarge { size: 55, limit: 40 }));
    world.act(|connection, now| connection.send(now, &long(20), SEND_TIMEOUT)).unwrap();
    let too_much = world.act(|connection, now| connection.send(now, &long(20), SEND_TIMEOUT));
    assert_eq!(too_much, Err(SendError::QueueFull));
    world.request("a/b", 1, 10);
    let too_many = world.act(|connection, now| connection.request(now, &event("a/b", 1), secs(1)));
    assert_eq!(too_many, Err(SendError::QueueFull));
}

pub(crate) fn long(characters: usize) -> Event {
    Event::new("a/b", &"x".repeat(characters)).unwrap()
}

#[test]
fn a_batch_is_events_one_by_one_and_what_is_none_is_named() {
    let mut world = World::open();
    world.says(&[r#"[[["a/b",1],5,["chsk/forged",1],["a/c",2]],null]"#]);
    assert_eq!(world.told.len(), 6);
    assert!(world.told[2].starts_with("a/b") && world.told[3].starts_with("bad"));
    assert!(world.told[4].starts_with("bad") && world.told[5].starts_with("a/c"));
    assert_eq!(world.state(), "open WebSocket");
}

// Keep-alive.

#[test]
fn after_25_s_of_silence_it_pings_and_lives_when_anything_comes_back() {
    let mut world = World::open();
    world.pass(24_999);
    assert_eq!(world.socket().sent.len(), 1);
    world.pass(1);
    assert_eq!(world.socket().sent.last().unwrap(), r#"[["chsk/ws-ping"],0]"#);
    world.pass(4_000);
    world.says(&[r#"["pong",0]"#]);
    world.pass(20_000);
    assert_eq!(world.state(), "open WebSocket");
}

#[test]
fn a_silent_connection_is_lost_5_s_after_the_ping_with_3001() {
    let mut world = World::open();
    world.pass(30_000);
    assert_eq!(world.socket().closed.as_ref().unwrap().code, CloseCode::PING_TIMEOUT);
    assert_eq!(world.told.last().unwrap(), "waiting Timeout");
}

#[test]
fn it_asks_at_once_when_the_network_changes_but_asking_again_puts_off_nothing() {
    let mut world = World::open();
    world.act(|connection, now| connection.set_page(now, Page::Online));
    assert_eq!(world.socket().sent.last().unwrap(), r#"[["chsk/ws-ping"],0]"#);
    world.pass(4_000);
    world.act(|connection, now| connection.set_page(now, Page::Visible));
    world.pass(1_000);
    assert_eq!(world.state(), "waiting Timeout");
}

#[test]
fn it_answers_the_servers_ping() {
    let mut world = World::open();
    world.says(&[r#"["chsk/ws-ping",null]"#]);
    assert_eq!(world.socket().sent.last().unwrap(), r#"[["chsk/ws-pong"],null]"#);
}

// Polling.

#[test]
fn packets_share_a_post_one_at_a_time_with_the_session_in_a_header_only() {
    let mut world = World::polling();
    for n in 1..=3 {
        world.send("a/b", n).unwrap();
    }
    assert_eq!(world.body(), r#"[["a/b",1],-1]"#);
    let request = world.open_request(Method::Post).unwrap();
    assert!(request.headers.contains(&("Tsugi-Session", "s".to_owned())));
    assert!(request.headers.contains(&("Content-Type", "application/json".to_owned())));
    assert!(request.query.iter().all(|(_, value)| value != "s"));
    assert_eq!(world.requests.len(), 2, "one poll, one POST");
    world.answers(Method::Post, TAKEN);
    assert_eq!(world.body(), "[[\"a/b\",2],-2]\n[[\"a/b\",3],-3]");
}

#[test]
fn a_poll_brings_several_packets_and_the_next_begins_at_once() {
    let mut world = World::polling();
    let request = world.request("a/b", 1, 10);
    world.answers(Method::Get, "[[[\"s/x\",1]],null]\n[\"yes\",1]\n[[[\"s/y\",2]],null]");
    assert_eq!(*world.reply(request), Ok(Value::string("yes")));
    assert!(world.told[world.told.len() - 1].starts_with("s/y"));
    assert!(world.open_request(Method::Get).unwrap().headers.contains(&("Tsugi-Session", "s".to_owned())));
}

#[test]
fn a_server_that_answers_polls_at_once_with_nothing_is_not_hammered() {
    let mut world = World::polling();
    let before = world.asked;
    for _ in 0..50 {
        if world.open_request(Method::Get).is_some() {
            world.answers(Method::Get, NOTHING);
        }
        world.pass(100);
    }
    assert!(world.asked - before < 12, "{}", world.asked - before);
}

#[test]
fn after_a_409_it_shakes_hands_again_and_sends_again_what_was_not_handled() {
    let mut world = World::polling();
    world.send("a/b", 1).unwrap();
    let request = world.request("a/c", 2, 60);
    world.status(Method::Post, 409, None);
    assert_eq!(world.state(), "waiting SessionGone");
    assert!(world.requests.is_empty(), "the poll was given up");
    world.pass(250);
    world.begins_polling(NEW);
    assert_eq!(world.body(), "[[\"a/b\",1],-1]\n[[\"a/c\",2],2]");
    world.answers(Method::Post, TAKEN);
    world.answers(Method::Get, r#"["done",2]"#);
    assert_eq!(*world.reply(request), Ok(Value::string("done")));
}

#[test]
fn a_post_that_the_server_refuses_is_told_and_the_next_goes_on() {
    for status in [400, 413] {
        let mut world = World::polling();
        let request = world.request("a/b", 1, 10);
        let second = world.send("a/c", 2).unwrap();
        world.status(Method::Post, status, None);
        assert_eq!(*world.reply(request), Err(RequestError::Refused(status)));
        world.status(Method::Post, status, None);
        assert_eq!(*world.reply(second), Err(RequestError::Refused(status)));
        assert_eq!(world.state(), "open Poll");
    }
}

#[test]
fn the_end_of_a_session_comes_with_a_poll_too() {
    let mut world = World::polling();
    world.answers(Method::Get, r#"[["chsk/close",{"code":4500,"reason":"signed out"}],null]"#);
    let State::Closed(loss) = world.connection.state() else { panic!() };
    assert_eq!((loss.code, loss.message.as_deref()), (Some(CloseCode::received(4500)), Some("signed out")));
}

#[test]
fn lost_while_polling_it_comes_back_by_polling() {
    let mut world = World::polling();
    world.fails(Method::Get);
    world.pass(250);
    assert_eq!(world.sockets.len(), 1);
    world.begins_polling(RESUMED);
    assert_eq!(world.state(), "open Poll");
}

#[test]
fn a_poll_without_an_answer_is_given_up_10_s_after_its_time() {
    let mut world = World::polling();
    world.pass(29_999);
    assert_eq!(world.state(), "open Poll");
    world.pass(1);
    assert_eq!(world.state(), "waiting Timeout");
}

// Climbing back.

#[test]
fn it_tries_a_websocket_after_30_s_doubling_to_5_min_while_it_fails() {
    let mut world = World::polling();
    let mut tries = Vec::new();
    let mut since = world.millis;
    for n in 0..6 {
        while world.sockets.len() < n + 2 {
            world.hold(1_000);
        }
        tries.push(world.millis - since);
        world.ends(1006);
        since = world.millis;
    }
    assert_eq!(tries, [30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
    assert!(!world.told.iter().any(|told| told.starts_with("waiting")));
}

#[test]
fn climbing_waits_for_the_post_says_hello_and_gives_the_last_poll_up() {
    let mut world = World::polling();
    world.hold(29_000);
    world.pass(1_000);
    world.send("a/b", 1).unwrap();
    world.says(&[HANDSHAKE]);
    world.pass(1_000);
    assert!(world.socket().sent.is_empty(), "hello waits for the POST");
    world.send("a/b", 2).unwrap();
    world.answers(Method::Get, r#"[["chsk/from",1],null][[["s/x",1]],null]"#);
    world.answers(Method::Post, TAKEN);
    assert_eq!(world.socket().sent, [hello(1, 1)]);
    assert!(world.requests.is_empty(), "what the last poll would bring comes again");
    world.send("a/b", 3).unwrap();
    assert_eq!(world.state(), "open Poll");
    world.says(&[
        r#"[["chsk/welcome",{"session":"s","outcome":"resumed","next":2,"taken":1}],null]"#,
        r#"[[["s/y",2]],null]"#,
    ]);
    let told = world.told[world.told.len() - 3..].join(", ");
    assert_eq!(told, "s/x Integer(1), open WebSocket, s/y Integer(2)");
    assert_eq!(world.socket().sent[1..], [r#"[["a/b",2],-2]"#, r#"[["a/b",3],-3]"#]);
}

#[test]
fn w15_a_thousand_clients_that_lose_their_server_together_come_back_one_by_one() {
    let mut dice = 7_u64;
    let mut returns = Vec::new();
    for _ in 0..1_000 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = (dice >> 40) as f64 / (1_u64 << 24) as f64;
        let mut world = World::with_dice(random, |config| config.paths = Paths::WebSocket);
        world.opens(NEW);
        world.ends(1012);
        // The server is away for two seconds; every attempt until then fails.
        let lost = world.millis;
        while world.millis < lost + 30_000 {
            let before = world.sockets.len();
            world.pass(10);
            if world.sockets.len() > before {
                if world.millis > lost + 2_000 {
                    returns.push(world.millis - lost);
                    break;
                }
                world.ends(1006);
            }
        }
    }
    assert_eq!(returns.len(), 1_000);
    let busiest = (0..300).map(|tenth| returns.iter().filter(|at| *at / 100 == tenth).count()).max();
    assert!(busiest.unwrap() <= 150, "{busiest:?} of a thousand in one tenth of a second");
    assert!(returns.iter().all(|at| *at < 12_000), "and nobody waits for long");
}

#[test]
fn what_comes_again_is_not_told_again() {
    let mut world = World::open();
    world.says(&[r#"[[["s/x",1],["s/x",2]],null]"#]);
    world.ends(1006);
    world.pass(1_000);
    world.says(&[HANDSHAKE]);
    assert_eq!(world.socket().sent, [hello(2, 0)]);
    world.says(&[r#"[["chsk/welcome",{"session":"s","outcome":"resumed","next":2}],null]"#]);
    world.says(&[r#"[[["s/x",2],["s/x",3]],null]"#]);
    assert_eq!(world.told.last().unwrap(), "s/x Integer(3)");
    assert_eq!(world.told.iter().filter(|told| told.starts_with("s/x")).count(), 3);
}

#[test]
fn what_it_will_not_get_it_is_told() {
    let mut world = World::open();
    world.says(&[r#"[[["s/x",1]],null]"#]);
    world.ends(1006);
    world.pass(1_000);
    world.says(&[HANDSHAKE]);
    world.says(&[r#"[["chsk/welcome",{"session":"s","outcome":"resumed","next":10}],null]"#]);
    world.says(&[r#"[[["s/x",10]],null]"#]);
    let told = world.told[world.told.len() - 3..].join(", ");
    assert_eq!(told, "gap 2-Some(9) Overflow, open WebSocket, s/x Integer(10)");
}

#[test]
fn a_session_that_is_gone_is_a_gap_without_an_end() {
    let mut world = World::open();
    world.says(&[r#"[[["s/x",1]],null]"#]);
    world.ends(1006);
    world.pass(1_000);
    world.says(&[HANDSHAKE, r#"[["chsk/welcome",{"session":"t","outcome":"new","next":1,"why":"restarted"}],null]"#]);
    world.says(&[r#"[[["s/x",1]],null]"#]);
    let told = world.told[world.told.len() - 3..].join(", ");
    assert_eq!(told, "gap 2-None Restarted, open WebSocket, s/x Integer(1)");
}

#[test]
fn a_poll_tells_what_arrived_and_where_an_answer_begins_the_server_says() {
    let mut world = World::polling();
    let ack = |world: &World| {
        let request = world.open_request(Method::Get).expect("a poll is held");
        request.query.iter().find(|(name, _)| name == "ack").map(|(_, value)| value.clone())
    };
    assert_eq!(ack(&world).as_deref(), Some("0"));
    world.answers(Method::Get, r#"[["chsk/from",1],null][[["s/x",1],["s/x",2]],null]"#);
    assert_eq!(ack(&world).as_deref(), Some("2"));
    world.answers(Method::Get, r#"[["chsk/from",2],null][[["s/x",2],["s/x",3]],null]"#);
    assert_eq!(ack(&world).as_deref(), Some("3"));
    world.answers(Method::Get, r#"[["chsk/from",8],null][[["s/x",8]],null]"#);
    assert_eq!(ack(&world).as_deref(), Some("8"));
    let told: Vec<_> =
        world.told.iter().filter(|told| !told.starts_with("open") && !told.starts_with("connecting")).collect();
    assert_eq!(
        told,
        ["s/x Integer(1)", "s/x Integer(2)", "s/x Integer(3)", "gap 4-Some(7) Overflow", "s/x Integer(8)"]
    );
}

#[test]
fn it_acknowledges_after_64_items_or_5_s() {
    let mut world = World::open();
    let events = vec![r#"["s/x",1]"#; 63].join(",");
    world.says(&[&format!("[[{events}],null]")]);
    let acks = |world: &World| {
        world.sockets[0].sent.iter().filter(|sent| sent.contains("chsk/ack")).cloned().collect::<Vec<_>>()
    };
    assert!(acks(&world).is_empty());
    world.says(&[r#"[[["s/x",1]],null]"#]);
    assert_eq!(acks(&world), [r#"[["chsk/ack",64],null]"#]);
    world.says(&[r#"[[["s/x",1]],null]"#]);
    world.pass(4_999);
    assert_eq!(acks(&world).len(), 1);
    world.pass(1);
    assert_eq!(acks(&world)[1], r#"[["chsk/ack",65],null]"#);
}

#[test]
fn a_websocket_that_fails_after_hello_leaves_polling_as_it_was() {
    let mut world = World::polling();
    world.hold(29_000);
    world.pass(1_000);
    world.pass(1_000);
    world.says(&[HANDSHAKE]);
    world.send("a/b", 1).unwrap();
    assert!(world.open_request(Method::Post).is_none(), "nothing is posted while it is handed over");
    world.ends(1006);
    assert_eq!(world.state(), "open Poll");
    assert_eq!(world.body(), r#"[["a/b",1],-1]"#);
    world.answers(Method::Get, r#"[[["s/x",1]],null]"#);
    assert!(world.told.last().unwrap().starts_with("s/x"));
    assert!(world.open_request(Method::Get).is_some());
}

#[test]
fn it_climbs_at_once_when_the_network_comes_back() {
    let mut world = World::polling();
    world.act(|connection, now| connection.set_page(now, Page::Online));
    assert_eq!(world.sockets.len(), 2);
}

#[test]
fn a_poll_that_is_lost_while_a_websocket_is_tried_takes_it_along() {
    let mut world = World::polling();
    world.hold(30_000);
    assert_eq!(world.sockets.len(), 2);
    world.fails(Method::Get);
    assert!(world.socket().closed.is_some());
    assert_eq!(world.state(), "waiting Network");
}
