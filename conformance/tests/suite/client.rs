//! The Rust client before servers of Sente: what those of 1.22 and 1.20 were recorded to say, said to it.
//!
//! The scripts are those of [`conformance::replay`], from the other end: what the recorded client said our client is told to say,
//! and must say alike; what the recorded server said is sent to it byte for byte, but for the slots, which are the client's own.

use axum::extract::Query;
use serde_json::Value as Json;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tsugi_client::codec::{Codec, Edn, Form, MessagePack, Older, Transit};
use tsugi_client::{Client, Event, EventId, Events, Notice, Paths, RequestError, State, Value, Wire};
use tsugi_proto::websocket::{Decoder, Incoming, Role, accept_key};
use tsugi_proto::{Message, Packet};

const PATIENCE: Duration = Duration::from_secs(20);
const NO_TIMEOUT: Duration = Duration::from_secs(60);

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

fn script(name: &str) -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sente/recorded").join(name).with_extension("jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn event_of(payload: &Value) -> Option<Event> {
    let [id, data @ ..] = payload.as_elements()? else { return None };
    let id = EventId::new(id.as_text()?).ok().filter(|id| !id.is_reserved())?;
    Some(Event { id, data: data.first().cloned() })
}

async fn next_event(events: &mut Events) -> Event {
    match in_time(events.next()).await {
        Some(Notice::Event(event)) => event,
        other => panic!("no event: {other:?}"),
    }
}

type Asked = JoinHandle<Result<Value, RequestError>>;

fn ask(client: &Client, event: Event) -> Asked {
    let client = client.clone();
    tokio::spawn(async move { client.request_event(&event, NO_TIMEOUT).await })
}

/// What a reply that was recorded means to whoever asked.
async fn check_reply(asked: Asked, recorded: &Value) {
    let failed = recorded.as_text() == Some("chsk/timeout")
        || recorded.as_elements().is_some_and(|it| it.first().and_then(Value::as_text) == Some("chsk/error"));
    match in_time(asked).await.unwrap() {
        Ok(reply) => assert!(!failed && reply == *recorded, "{reply:?} {recorded:?}"),
        Err(error) => assert!(failed, "{error}"),
    }
}

// WebSockets.

/// The server's end of one.
struct Recorded<C> {
    stream: TcpStream,
    decoder: Decoder,
    codec: C,
    client: Client,
    events: Events,
    /// By the slot that was recorded: the client's own, and who waits for the reply.
    asked: HashMap<String, (Value, Asked)>,
}

fn frame_of(hex: &Json) -> Option<Vec<u8>> {
    let hex = hex.as_str()?;
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

/// One message of a recorded end.
fn message_in(mut frame: Vec<u8>, role: Role) -> Incoming {
    let mut input = frame.as_mut_slice();
    Decoder::new(role, 1 << 20).decode(&mut input).unwrap().expect("a whole message")
}

impl<C: Codec> Recorded<C> {
    async fn begin(codec: C, ours: impl Codec) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/chsk", listener.local_addr().unwrap());
        let options = Client::builder().codec(ours).wire(Wire::Sente).transports(Paths::WebSocket);
        let client = options.connect(&url).unwrap();
        let events = client.events();
        let (mut stream, _) = in_time(listener.accept()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).expect("a key");
        let accept = accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-Websocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        Self { stream, decoder: Decoder::new(Role::Server, 1 << 20), codec, client, events, asked: HashMap::new() }
    }

    /// What our client says next.
    async fn hears(&mut self) -> Incoming {
        loop {
            let mut bytes = [0; 4096];
            let count = in_time(self.stream.read(&mut bytes)).await.unwrap();
            let mut input = &mut bytes[..count];
            if let Some(incoming) = self.decoder.decode(&mut input).unwrap() {
                assert!(input.is_empty() && count > 0, "it says one thing at a time");
                return incoming;
            }
        }
    }

    async fn hears_packet(&mut self) -> Packet {
        match self.hears().await {
            Incoming::Message(message) => self.codec.decode(&message).unwrap(),
            other => panic!("no message: {other:?}"),
        }
    }

    /// The recorded client said this. Returns whether ours can say it too.
    async fn client_says(&mut self, frame: Vec<u8>) -> bool {
        let message = match message_in(frame, Role::Server) {
            Incoming::Message(message) => message,
            Incoming::Close(_) => return false,
            // Ours was heard when the ping was said.
            _ => return true,
        };
        let Ok(recorded) = self.codec.decode(&message) else { return false };
        // No codec of ours writes integers of MessagePack that are none of Clojure's.
        if self.codec.encode(&recorded.payload, &Value::Nil).is_err() {
            return true;
        }
        let Some(event) = event_of(&recorded.payload) else {
            let said = recorded.payload.as_elements().and_then(|it| it.first()?.as_text()).unwrap_or_default();
            if said == "chsk/ws-pong" {
                assert_eq!(self.hears_packet().await.payload, recorded.payload);
            }
            // Our client pings when it wants to, and never pretends to be the protocol.
            return true;
        };
        if recorded.slot.is_nil() {
            self.client.send_event(&event, NO_TIMEOUT).unwrap();
            assert_eq!(self.hears_packet().await, recorded);
            return true;
        }
        let asked = ask(&self.client, event);
        let packet = self.hears_packet().await;
        assert_eq!(packet.payload, recorded.payload);
        let slot = recorded.slot.as_text().expect("Sente's slots are text").to_owned();
        self.asked.insert(slot, (packet.slot, asked));
        true
    }

    /// The recorded server said this. Returns whether it goes on.
    async fn server_says(&mut self, frame: Vec<u8>) -> bool {
        let message = match message_in(frame.clone(), Role::Client) {
            Incoming::Message(message) => message,
            Incoming::Close(close) => {
                self.stream.write_all(&frame).await.unwrap();
                let mut state = self.client.state();
                let lost = in_time(state.wait_for(|state| matches!(state, State::Waiting { .. }))).await.unwrap();
                let State::Waiting { loss, .. } = &*lost else { unreachable!() };
                assert_eq!(loss.code, close.map(|close| close.code));
                return false;
            }
            Incoming::Ping(payload) => {
                self.stream.write_all(&frame).await.unwrap();
                assert!(matches!(self.hears().await, Incoming::Pong(pong) if pong == payload));
                return true;
            }
            other => panic!("{other:?}"),
        };
        let recorded = self.codec.decode(&message).unwrap();
        if recorded.slot.is_nil() {
            self.stream.write_all(&frame).await.unwrap();
            self.check_heard(&recorded.payload).await;
            return true;
        }
        let slot = recorded.slot.as_text().unwrap_or_default();
        let Some((ours, asked)) = self.asked.remove(slot) else { return true };
        let payload = with_slot(&message, slot, ours.as_text().unwrap());
        let mut frame = vec![if matches!(message, Message::Text(_)) { 0x81 } else { 0x82 }];
        match u8::try_from(payload.len()).ok().filter(|length| *length < 126) {
            Some(length) => frame.push(length),
            None => {
                frame.push(126);
                frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend(payload);
        self.stream.write_all(&frame).await.unwrap();
        check_reply(asked, &recorded.payload).await;
        true
    }

    async fn check_heard(&mut self, payload: &Value) {
        let elements = payload.as_elements().unwrap_or_default();
        match elements.first().and_then(Value::as_text) {
            Some("chsk/handshake") => {
                let open = in_time(self.client.ready()).await.unwrap();
                let about = elements[1].as_elements().unwrap();
                let user =
                    (!about[0].is_nil() && about[0].as_text() != Some("sente/nil-uid")).then(|| about[0].clone());
                assert_eq!((open.user, open.data), (user, about.get(2).cloned().unwrap_or_default()));
            }
            Some(_) => {}
            None => {
                for event in elements {
                    assert_eq!(Some(next_event(&mut self.events).await), event_of(event), "{payload:?}");
                }
            }
        }
    }
}

/// The bytes that were recorded, with another slot at their end.
fn with_slot(message: &Message, recorded: &str, ours: &str) -> Vec<u8> {
    let mut bytes = message.as_bytes().to_vec();
    let written = |slot: &str| match message {
        Message::Text(_) => format!("\"{slot}\"").into_bytes(),
        Message::Binary(_) => [&[0xa0 | u8::try_from(slot.len()).unwrap()], slot.as_bytes()].concat(),
    };
    let (recorded, ours) = (written(recorded), written(ours));
    let at = bytes.windows(recorded.len()).rposition(|window| window == recorded).expect("the slot is there");
    bytes.splice(at..at + recorded.len(), ours);
    bytes
}

async fn replay_websocket<C: Codec>(name: &str, codec: impl Fn() -> C) {
    let mut recorded = Recorded::begin(codec(), codec()).await;
    let (mut said, mut heard) = (0, 0);
    for step in script(name).iter().filter(|step| step["on"] == 1) {
        let goes_on = match (frame_of(&step["send"]), frame_of(&step["frame"])) {
            (Some(frame), _) => {
                said += 1;
                recorded.client_says(frame).await
            }
            (_, Some(frame)) => {
                heard += 1;
                recorded.server_says(frame).await
            }
            _ => true,
        };
        if !goes_on {
            break;
        }
    }
    assert!(heard > 0 && said + heard > 1, "{name}: nothing of it was played");
    recorded.client.close(&tsugi_client::Close::because(tsugi_client::CloseCode::NORMAL, ""));
}

const ON_WEBSOCKETS: [&str; 9] = [
    "01-ws-handshake",
    "02-ws-handshake-nil-uid-no-hsdata",
    "04-ws-server-ping",
    "05-ws-event-no-cb",
    "06-ws-event-cb-reply",
    "07-ws-push",
    "08-ws-push-buffered",
    "19-chsk-close",
    "29-edn-values",
];

fn older() -> Older {
    Older::v2(Arc::new(Edn::new())).expect("EDN is text")
}

#[tokio::test]
async fn a_websocket_of_sente_1_22_says_to_the_rust_client_what_it_said_when_it_was_recorded() {
    for name in ON_WEBSOCKETS {
        replay_websocket(name, Edn::new).await;
    }
}

#[tokio::test]
async fn a_websocket_of_sente_1_20_says_to_the_rust_client_what_it_said_when_it_was_recorded() {
    for name in ON_WEBSOCKETS {
        replay_websocket(&format!("v1.20.0/{name}"), older).await;
    }
}

#[tokio::test]
async fn a_websocket_of_sente_in_transit_and_in_messagepack_says_what_it_said_when_it_was_recorded() {
    replay_websocket("p1-msgpack-ws", MessagePack::new).await;
    replay_websocket("p3-transit-ws", Transit::new).await;
}

// Ajax.

/// The answers that are left, by what they answer.
#[derive(Default)]
struct Answers {
    handshake: String,
    polls: VecDeque<String>,
    posts: VecDeque<String>,
}

fn parameters(query: &str) -> HashMap<String, String> {
    let uri = format!("/?{query}").parse().unwrap();
    Query::try_from_uri(&uri).map(|Query(found)| found).unwrap()
}

/// Polls are answered when their time has come, which is never where nothing was recorded.
async fn answer(answers: Arc<Mutex<Answers>>, request: axum::extract::Request) -> String {
    let query = parameters(request.uri().query().unwrap_or_default());
    if request.method() == axum::http::Method::POST {
        return answers.lock().await.posts.pop_front().expect("an answer to each");
    }
    if query.contains_key("handshake?") {
        return answers.lock().await.handshake.clone();
    }
    loop {
        if let Some(poll) = answers.lock().await.polls.pop_front() {
            return poll;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn replay_ajax<C: Codec>(name: &str, codec: impl Fn() -> C) {
    let (reader, steps) = (codec(), script(name));
    assert_eq!(reader.form(), Form::Text);
    let read = |text: &str| reader.decode(&Message::text(text)).unwrap();
    let answers = Arc::new(Mutex::new(Answers { handshake: handshake_in(&steps, &reader), ..Answers::default() }));
    let serving = Arc::clone(&answers);
    let app = axum::Router::new().fallback(move |request| answer(Arc::clone(&serving), request));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/chsk", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let options = Client::builder().codec(codec()).wire(Wire::Sente).transports(Paths::Poll);
    let client = options.connect(&url).unwrap();
    let mut events = client.events();
    in_time(client.ready()).await.unwrap();
    let (mut posted, mut played) = (HashMap::new(), 0);
    for step in &steps {
        let first = step["request"][0].as_str().unwrap_or_default();
        if first.starts_with("POST") {
            posted.insert(step["on"].clone(), parameters(step["body"].as_str().unwrap())["ppstr"].clone());
        }
        let (Some(200), Some(body)) = (step["status"].as_u64(), step["body"].as_str()) else { continue };
        let said = read(body);
        let Some(asked) = posted.remove(&step["on"]) else {
            if event_of(&said.payload).is_none()
                && said.payload.as_elements().is_some_and(|it| it[0].as_text().is_none())
            {
                answers.lock().await.polls.push_back(body.to_owned());
                for event in said.payload.as_elements().unwrap() {
                    assert_eq!(Some(next_event(&mut events).await), event_of(event));
                    played += 1;
                }
            }
            continue;
        };
        answers.lock().await.posts.push_back(body.to_owned());
        let asked = read(&asked);
        let event = event_of(&asked.payload).expect("an event");
        if asked.slot.is_nil() {
            in_time(client.send_event(&event, NO_TIMEOUT).unwrap().settled()).await.unwrap();
        } else {
            check_reply(ask(&client, event), &said.payload).await;
        }
        played += 1;
    }
    assert!(played > 0, "{name}: nothing of it was played");
}

/// What the server said first to such a request: its status and text.
fn first_answer(steps: &[Json], is_upgrade: bool) -> Option<(u16, String)> {
    let asks = |step: &&Json| {
        let lines: Vec<_> = step["request"].as_array()?.iter().filter_map(Json::as_str).collect();
        let upgrades = lines.iter().any(|line| line.eq_ignore_ascii_case("upgrade: websocket"));
        (lines.first()?.starts_with("GET") && upgrades == is_upgrade).then_some(())
    };
    let asked = steps.iter().find(|step| asks(step).is_some())?;
    let answer = steps.iter().find(|step| step["on"] == asked["on"] && step["status"].is_u64())?;
    // Bodies of refused upgrades were not always recorded.
    Some((answer["status"].as_u64()?.try_into().ok()?, answer["body"].as_str().unwrap_or_default().to_owned()))
}

/// A server that refuses as it was recorded to.
async fn check_refusal(name: &str, codec: impl Codec, paths: Paths) {
    let steps = script(name);
    let (upgrade, poll) = (first_answer(&steps, true).unwrap(), first_answer(&steps, false).unwrap());
    // Where there is polling, that decides: a proxy may refuse upgrades.
    let (status, text) = if paths == Paths::WebSocket { upgrade.clone() } else { poll.clone() };
    let refuse = move |request: axum::extract::Request| {
        let is_upgrade = request.headers().contains_key("upgrade");
        let (status, text) = if is_upgrade { upgrade.clone() } else { poll.clone() };
        async move { (axum::http::StatusCode::from_u16(status).unwrap(), text) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/chsk", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(refuse)).await });
    let client = Client::builder().codec(codec).wire(Wire::Sente).transports(paths).connect(&url).unwrap();
    let ended = in_time(client.ready()).await.expect_err("it is refused");
    let State::Closed(loss) = client.state().borrow().clone() else { panic!("{name}: {ended}") };
    assert_eq!((loss.status, loss.message.unwrap_or_default()), (Some(status), text), "{name}");
}

const REFUSALS: [&str; 3] = ["13-bad-csrf", "15-unauthorized", "16-bad-origin"];

#[tokio::test]
async fn what_sente_refuses_stops_the_rust_client_with_the_servers_word() {
    for name in REFUSALS {
        for paths in [Paths::Both, Paths::WebSocket, Paths::Poll] {
            check_refusal(name, Edn::new(), paths).await;
            check_refusal(&format!("v1.20.0/{name}"), older(), paths).await;
        }
    }
}

/// The handshake of a script, or of one that has none.
fn handshake_in(steps: &[Json], codec: &dyn Codec) -> String {
    let bodies = steps.iter().filter_map(|step| step["body"].as_str());
    let found = bodies.filter(|body| body.contains("chsk/handshake")).map(str::to_owned).next();
    found.unwrap_or_else(|| {
        let arguments = Value::Vector(vec![Value::string("u"), Value::Nil, Value::Nil].into_iter().collect());
        let handshake = [Value::keyword("chsk/handshake"), arguments].into_iter().collect();
        let message = codec.encode(&Value::Vector(handshake), &Value::Nil).unwrap();
        String::from_utf8(message.as_bytes().to_vec()).unwrap()
    })
}

const OVER_AJAX: [&str; 3] = ["09-ajax-handshake-poll-push", "11-ajax-post-no-cb", "12-ajax-post-cb"];

#[tokio::test]
async fn sente_1_22_answers_the_rust_client_over_ajax_as_it_did_when_it_was_recorded() {
    for name in OVER_AJAX {
        replay_ajax(name, Edn::new).await;
    }
}

#[tokio::test]
async fn sente_1_20_answers_the_rust_client_over_ajax_as_it_did_when_it_was_recorded() {
    for name in OVER_AJAX {
        replay_ajax(&format!("v1.20.0/{name}"), older).await;
    }
}
