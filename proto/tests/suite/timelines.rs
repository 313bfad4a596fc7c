//! The timelines that the TypeScript client runs too: vectors/README.md.

use super::connection_rules::event;
use bytes::Bytes;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::codec::{self, Codec};
use tsugi_proto::connection::{
    Config, Connection, ExchangeId, Gap, GapReason, ItemId, Loss, Method, Open, Outcome, Output, Page, Path, Paths,
    Reason, Reply, Request, RequestError, SEND_TIMEOUT, State, Verdict,
};
use tsugi_proto::session::Transport;
use tsugi_proto::{Close, CloseCode, Instant, Message, Value};

/// What a client did since the step before.
#[derive(Default)]
struct Seen {
    wire: Vec<Json>,
    states: Vec<Json>,
    told: Vec<Json>,
}

/// A client, its clock, and the network's end of what it asked for.
struct Stage {
    connection: Connection,
    now: Instant,
    socket: Option<Path>,
    requests: Vec<(ExchangeId, Method)>,
    /// What was sent, in order: the first is 1.
    items: Vec<ItemId>,
    seen: Seen,
    state: Json,
}

fn read(text: &str) -> Vec<Json> {
    serde_json::from_str(text).unwrap()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}

impl Stage {
    fn new(line: &Json) -> Self {
        let codec: Arc<dyn Codec> = Arc::new(codec::Json::new());
        let mut config = Config::new(codec, "c", [0xab; 16]).unwrap();
        config.paths = match line.get("transports").and_then(Json::as_str) {
            Some("ws") => Paths::WebSocket,
            Some("poll") => Paths::Poll,
            _ => Paths::Both,
        };
        let random = line.get("random").and_then(Json::as_f64).unwrap_or(0.5);
        let connection = Connection::new(config, move || random);
        let mut stage = Self {
            connection,
            now: Instant::after_origin(Duration::from_secs(1)),
            socket: None,
            requests: Vec::new(),
            items: Vec::new(),
            seen: Seen::default(),
            state: Json::Null,
        };
        stage.act(Connection::open);
        stage
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Connection, Instant) -> T) -> T {
        let result = act(&mut self.connection, self.now);
        while let Some(output) = self.connection.poll() {
            self.take(output);
        }
        result
    }

    fn pass_until(&mut self, until: Instant) {
        while let Some(due) = self.connection.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.act(Connection::handle_timeout);
        }
        self.now = until;
    }

    // What it does.

    fn take(&mut self, output: Output) {
        match output {
            Output::Connect { path, .. } => {
                self.socket = Some(path);
                self.seen.wire.push(json!(["connect"]));
            }
            Output::Transmit { message, .. } => {
                self.seen.wire.push(json!(["send", sent(message.as_bytes()).remove(0)]))
            }
            Output::Disconnect { close, .. } => self.seen.wire.push(json!(["close", close.code.get()])),
            Output::Exchange { exchange, request } => {
                self.requests.push((exchange, request.method));
                self.seen.wire.push(asked(&request));
            }
            Output::Abort { exchange } => self.requests.retain(|(id, _)| *id != exchange),
            Output::Event(event) => self.tell(json!(["event", event.id.as_str(), event.data.map(|data| plain(&data))])),
            Output::Gap(Gap { from, to, why }) => self.tell(json!(["gap", from, to, gap(why)])),
            Output::BadEvent(_) => self.tell(json!(["bad"])),
            Output::Settled { item, result } => {
                let number = self.items.iter().position(|it| *it == item).map_or(0, |index| index + 1);
                self.tell(ended(number, &result));
            }
            Output::State(state) => {
                let state = named(&state, self.now);
                if self.state != state {
                    self.seen.states.push(state.clone());
                }
                self.state = state;
            }
        }
    }

    fn tell(&mut self, what: Json) {
        self.seen.told.push(what);
    }

    // What happens to it.

    fn happens(&mut self, input: &[Json]) {
        let number = |index: usize| input.get(index).and_then(Json::as_u64);
        let text = |index: usize| input[index].as_str().unwrap();
        match text(0) {
            "says" => input[1..].iter().for_each(|packet| self.says(packet)),
            "ends" => self.ends(u16::try_from(number(1).unwrap()).unwrap()),
            "answers" => {
                let lines: Vec<_> = input[2..].iter().map(Json::to_string).collect();
                let (id, body) = (self.request(text(1)), Bytes::from(lines.join("\n")));
                self.act(|connection, now| connection.handle_response(now, id, 200, body, None));
            }
            "status" => {
                let id = self.request(text(1));
                let status = u16::try_from(number(2).unwrap()).unwrap();
                let after = number(3).map(Duration::from_secs);
                self.act(|connection, now| connection.handle_response(now, id, status, Bytes::new(), after));
            }
            "fails" => {
                let id = self.request(text(1));
                self.act(|connection, now| connection.handle_failure(now, id, "cut"));
            }
            "page" => {
                let page = match text(1) {
                    "online" => Page::Online,
                    "offline" => Page::Offline,
                    "visible" => Page::Visible,
                    _ => Page::Hidden,
                };
                self.act(|connection, now| connection.set_page(now, page));
            }
            "send" | "request" => self.sends(text(0), text(1), input[2].as_i64().unwrap(), number(3)),
            "cancel" => {
                let item = self.items[usize::try_from(number(1).unwrap()).unwrap() - 1];
                self.act(|connection, _| connection.cancel(item));
            }
            "reconnect" => self.act(Connection::reconnect),
            "close" => self.act(|connection, _| connection.close(&Close::because(CloseCode::NORMAL, ""))),
            other => panic!("unknown input {other}"),
        }
    }

    fn says(&mut self, packet: &Json) {
        let path = self.socket.unwrap();
        let message = Message::text(packet.to_string());
        self.act(|connection, now| connection.handle_message(now, path, &message));
    }

    fn ends(&mut self, code: u16) {
        let path = self.socket.unwrap();
        let close = (code != 1006).then(|| Close::because(CloseCode::received(code), ""));
        self.act(|connection, now| connection.handle_closed(now, path, close));
    }

    /// The newest request of this method that has no answer.
    fn request(&mut self, method: &str) -> ExchangeId {
        let method = if method == "get" { Method::Get } else { Method::Post };
        let index = self.requests.iter().rposition(|(_, asked)| *asked == method);
        self.requests.remove(index.expect("no such request")).0
    }

    fn sends(&mut self, kind: &str, id: &str, data: i64, timeout: Option<u64>) {
        let event = event(id, data);
        let (default, now) = (if kind == "send" { SEND_TIMEOUT } else { Duration::from_secs(10) }, self.now);
        let timeout = timeout.map_or(default, Duration::from_millis);
        let item = match kind {
            "send" => self.connection.send(now, &event, timeout),
            _ => self.connection.request(now, &event, timeout),
        };
        self.items.push(item.unwrap());
        self.act(|_, _| ());
    }
}

/// Packets as JSON, without what is random in them.
fn sent(bytes: &[u8]) -> Vec<Json> {
    let lines = std::str::from_utf8(bytes).unwrap().lines();
    let mut packets: Vec<Json> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    for packet in &mut packets {
        let Some(about) = packet.pointer_mut("/0/1").and_then(Json::as_object_mut) else { continue };
        if about.remove("outbox").is_some() {
            about.remove("attempt");
        }
    }
    packets
}

fn asked(request: &Request) -> Json {
    let has = |wanted: &str| request.query.iter().find(|(name, _)| name == wanted);
    match request.method {
        Method::Post => json!(["post", sent(&request.body)]),
        Method::Get if has("handshake?").is_some() => json!(["get", "handshake"]),
        Method::Get => json!(["get", has("ack").map_or(0, |(_, ack)| ack.parse::<u64>().unwrap())]),
    }
}

fn plain(value: &Value) -> Json {
    serde_json::from_str(&codec::json::write(value).unwrap()).unwrap()
}

fn gap(why: GapReason) -> &'static str {
    match why {
        GapReason::Overflow => "overflow",
        GapReason::Expired => "expired",
        GapReason::Restarted => "restarted",
        GapReason::Desync => "desync",
    }
}

fn ended(number: usize, result: &Reply) -> Json {
    let code = match result {
        Ok(Value::Nil) => return json!(["handled", number]),
        Ok(reply) => return json!(["reply", number, plain(reply)]),
        Err(RequestError::Failed(failure)) => failure.code.as_str(),
        Err(RequestError::Timeout) => "timeout",
        Err(RequestError::Cancelled) => "aborted",
        Err(RequestError::OtherUser) => "other-user",
        Err(RequestError::ReplyLost) => "reply-lost",
        Err(RequestError::TooLarge | RequestError::Refused(_)) => "too-large",
        Err(RequestError::Disconnected) => "disconnected",
        Err(RequestError::Closed) => "closed",
    };
    json!(["failed", number, code])
}

fn transport(transport: Transport) -> &'static str {
    if transport == Transport::WebSocket { "ws" } else { "poll" }
}

fn named(state: &State, now: Instant) -> Json {
    match state {
        State::Idle => json!(["idle"]),
        State::Connecting { transport: by, attempt } => json!(["connecting", transport(*by), attempt]),
        State::Open(Open { transport: by, outcome, why, .. }) => {
            let why = match why {
                Verdict::Fine => "fine",
                Verdict::Refused => "refused",
                Verdict::Mute => "mute",
                Verdict::Unstable => "unstable",
                _ => "unavailable",
            };
            let outcome = if *outcome == Outcome::New { "new" } else { "resumed" };
            json!(["open", transport(*by), outcome, why])
        }
        State::Waiting { until, attempt, loss } => {
            json!(["waiting", reason(loss), attempt, millis(until.since(now))])
        }
        State::Closed(loss) => json!(["closed", reason(loss)]),
    }
}

fn reason(loss: &Loss) -> &'static str {
    match loss.reason {
        Reason::Network => "network",
        Reason::Timeout => "timeout",
        Reason::Server => "server",
        Reason::Busy => "busy",
        Reason::Refused => "refused",
        Reason::Rejected => "rejected",
        Reason::BadFrame => "bad-frame",
        Reason::SessionGone => "session-gone",
        Reason::Replaced => "replaced",
        Reason::Closed => "closed",
    }
}

/// The steps as they went.
fn run(line: &Json) -> Vec<Json> {
    let mut stage = Stage::new(line);
    let begun = stage.now;
    let mut steps = Vec::new();
    for step in line["steps"].as_array().unwrap() {
        let at = step["at"].as_u64().unwrap();
        stage.pass_until(begun + Duration::from_millis(at));
        let mut done = serde_json::Map::from_iter([("at".to_owned(), json!(at))]);
        if let Some(input) = step.get("in") {
            stage.happens(input.as_array().unwrap());
            done.insert("in".to_owned(), input.clone());
        }
        let Seen { wire, states, told } = std::mem::take(&mut stage.seen);
        let lists = [("wire", wire), ("states", states), ("told", told)];
        done.extend(
            lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name.to_owned(), json!(list))),
        );
        steps.push(Json::Object(done));
    }
    steps
}

#[test]
fn every_timeline_goes_as_written() {
    for line in read(include_str!("../../../vectors/timelines.json")) {
        let (steps, written) = (run(&line), line["steps"].as_array().unwrap());
        for (step, written) in steps.iter().zip(written) {
            assert_eq!(step, written, "{}", line["name"]);
        }
    }
}
