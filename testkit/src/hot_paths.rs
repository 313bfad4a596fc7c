//! What a message passes through, each piece by itself: `cargo xtask instructions` counts what it costs.

use crate::local::{Client, Wire, serve, text};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tsugi::{Data, Identity, Limits, Origins, Router, Server, Times, UserId};
use tsugi_proto::codec::{Codec, Edn, Json, deserialize};
use tsugi_proto::session::{
    Capacity, Config, EncodedEvent, Flush, Item, Joiner, Profile, Session, Transmit, Transport,
};
use tsugi_proto::websocket::{Decoder, Incoming, Role};
use tsugi_proto::{Event, Frame, Instant, Received, Value};

/// Whatever goes wrong.
pub type Failure = Box<dyn Error>;
/// Does one round.
pub type Round = Box<dyn FnMut() -> Result<(), Failure>>;

/// One of them.
#[derive(Debug)]
pub struct Path {
    /// Its name.
    pub name: &'static str,
    /// How many of what is counted are one round.
    pub each: usize,
    /// Enough for a figure that hardly moves.
    pub rounds: u32,
    prepare: fn() -> Result<Round, Failure>,
}

impl Path {
    /// Everything is there, and buffers have grown to what they need.
    ///
    /// # Errors
    /// When what is measured does not work.
    pub fn warm(&self) -> Result<Round, Failure> {
        let mut round = (self.prepare)()?;
        (0..self.rounds / 10).try_for_each(|_| round())?;
        Ok(round)
    }
}

const fn small(name: &'static str, prepare: fn() -> Result<Round, Failure>) -> Path {
    Path { name, each: 1, rounds: 300, prepare }
}

/// Replies in one round, and events: a client that has much to say.
const PIPELINED: usize = 16;
/// Connections of a broadcast.
const CROWD: usize = 100;

/// All there are.
pub const PATHS: [Path; 17] = [
    small("encode-json", || Ok(encode(Json::new()))),
    small("encode-edn", || Ok(encode(Edn::new()))),
    small("decode-json", || decode(Json::new())),
    small("decode-edn", || decode(Edn::new())),
    small("frame", || Ok(frame())),
    small("flush", || Ok(flush())),
    Path { each: PIPELINED, rounds: 50, ..small("route-json", || route(Wire::Tsugi("json"))) },
    Path { each: PIPELINED, rounds: 50, ..small("route-edn", || route(Wire::Tsugi("edn"))) },
    small("request-json", || request(Wire::Tsugi("json"), 1)),
    small("request-edn", || request(Wire::Tsugi("edn"), 1)),
    small("request-edn-sente", || request(Wire::Sente, 1)),
    small("request-edn-counted", || request(Wire::Counted("edn"), 1)),
    Path { each: PIPELINED, rounds: 50, ..small("requests-json", || request(Wire::Tsugi("json"), PIPELINED)) },
    small("push-json", || push(Wire::Tsugi("json"))),
    Path { each: CROWD, rounds: 20, ..small("deliver-json", || deliver(Wire::Tsugi("json"))) },
    Path { each: CROWD, rounds: 20, ..small("deliver-edn-sente", || deliver(Wire::Sente)) },
    Path { each: CROWD, rounds: 20, ..small("deliver-edn-counted", || deliver(Wire::Counted("edn"))) },
];

/// A row of a chat.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
struct Row {
    id: u64,
    user: String,
    text: String,
    likes: Vec<u32>,
    edited: bool,
}

fn row() -> Row {
    let text = "a message of the length that people write".to_owned();
    Row { id: 17, user: "user-7".to_owned(), text, likes: vec![1, 20, 300], edited: false }
}

/// A typed event becomes the frame that goes to everybody.
fn encode(codec: impl Codec) -> Round {
    let row = row();
    Box::new(move || {
        let body = codec.encode_event(&Event::new("chat/said", &row)?)?;
        black_box(Frame::message(&codec.join(&[body])));
        Ok(())
    })
}

/// A client's message becomes the type that a handler wants.
fn decode(codec: impl Codec) -> Result<Round, Failure> {
    let event = vec![Value::keyword("chat/said"), tsugi_proto::value::to_value(&row())?];
    let message = codec.encode(&event.into(), &Value::Integer(1.into()))?;
    Ok(Box::new(move || match codec.decode_event(message.clone())? {
        Received::Event { data, .. } => {
            black_box(deserialize::<Row>(&codec, data.as_ref())?);
            Ok(())
        }
        Received::BadEvent { .. } => Err("the codec does not know its own event".into()),
    }))
}

/// A client's masked frame becomes a message.
fn frame() -> Round {
    let masked = text(&"x".repeat(128));
    let mut decoder = Decoder::new(Role::Server, 64 * 1024);
    let mut input = vec![0; masked.len()];
    Box::new(move || {
        input.copy_from_slice(&masked);
        match decoder.decode(&mut &mut input[..])? {
            Some(Incoming::Message(message)) => black_box(message),
            _ => return Err("a frame that is whole gives no message".into()),
        };
        Ok(())
    })
}

#[derive(Debug)]
struct Json1;

impl Joiner for Json1 {
    fn join(&self, bodies: &[bytes::Bytes]) -> Frame {
        Frame::message(&Json::new().join(bodies))
    }
}

/// A session that takes an event and hands its frame to the carrier.
fn flush() -> Round {
    let config = Config {
        max_queue_items: 1_000,
        max_queue_bytes: 1 << 20,
        max_inbox: 64,
        expire: Duration::from_secs(120),
        joiner: Arc::new(Json1),
    };
    let profile = Profile {
        transport: Transport::WebSocket,
        capacity: Capacity::Unlimited,
        heartbeat: None,
        window: Duration::ZERO,
        grace: Duration::from_secs(2),
        after_loss: tsugi_proto::session::AfterLoss::Wait,
    };
    let now = Instant::after_origin(Duration::ZERO);
    let mut session = Session::new(now, Arc::new(config));
    let carrier = session.attach(now, Arc::new(profile), None);
    let body = bytes::Bytes::from_static(br#"["chat/said","good morning"]"#);
    let frame = Json1.join(std::slice::from_ref(&body));
    let event = Arc::new(EncodedEvent { body, frame });
    Box::new(move || {
        session.send(now, Item::Event(Arc::clone(&event), Flush::Batched))?;
        match session.poll_transmit(now, carrier) {
            Transmit::Frame { frame, .. } => black_box(frame),
            _ => return Err("what was queued is not sent".into()),
        };
        matches!(session.poll_transmit(now, carrier), Transmit::Pending).then_some(()).ok_or("one came twice".into())
    })
}

/// A server in this thread, which nothing but its clients makes do anything.
fn server() -> Result<(Runtime, Server), Failure> {
    let router = Router::new()
        .on("bench/echo", async |Data(text): Data<String>| Data(text))
        .on("bench/tell", async |Data(text): Data<String>| drop(black_box(text)));
    let server = Server::builder()
        .identify(|request| Ok(request.param("uid").map_or_else(Identity::anonymous, Identity::user)))
        .origins(Origins::Any)
        .limits(Limits::default().max_handshakes(20_000))
        // Callgrind makes everything take fifty times as long.
        .times(Times::default().keep_alive(None).window_websocket(Duration::from_nanos(1)))
        .router(router)
        .build()?;
    Ok((Builder::new_current_thread().enable_all().build()?, server))
}

/// Clients that are connected, and what each has heard.
struct Crowd {
    runtime: Runtime,
    server: Server,
    clients: Vec<Client>,
    wire: Wire,
    heard: usize,
    slot: u64,
    /// The client's request, in which only the slot changes: nothing of a client's making shall be counted.
    request: Vec<u8>,
}

/// Items after which a client that counts acknowledges.
const ACK: usize = 64;

impl Crowd {
    fn gather(wire: Wire, count: usize) -> Result<Self, Failure> {
        let (runtime, server) = server()?;
        let clients = runtime.block_on(async {
            let door = serve(&server);
            let mut clients = Vec::new();
            for index in 0..count {
                clients.push(Client::connect(&door, wire, index).await?);
            }
            std::io::Result::Ok(clients)
        })?;
        // Slots have six digits, so that all messages have the same length.
        let (slot, data) = (100_000, "x".repeat(64));
        let request = match wire.codec() {
            "edn" => text(&format!("[[:bench/echo {data:?}] {slot}]")),
            _ => text(&format!("[[\"bench/echo\",{data:?}],{slot}]")),
        };
        Ok(Self { runtime, server, clients, wire, heard: 0, slot, request })
    }

    /// The next request.
    fn request(&mut self) -> &[u8] {
        // A frame is masked with four bytes in turn, so a digit differs from what it was by what it differs in.
        let (old, new) = (self.slot, self.slot + 1);
        let end = self.request.len() - 1;
        for (place, byte) in (0..6).zip(self.request[..end].iter_mut().rev()) {
            let digit = |slot: u64| (slot / 10_u64.pow(place) % 10) as u8 + b'0';
            *byte ^= digit(old) ^ digit(new);
        }
        self.slot = new;
        &self.request
    }

    /// Each client that counts has heard so many items more.
    fn acknowledge(&mut self, items: usize) -> Result<(), Failure> {
        self.heard += items;
        if self.heard % ACK < items && matches!(self.wire, Wire::Counted(_)) {
            let heard = self.heard;
            let ack = match self.wire.codec() {
                "edn" => text(&format!("[[:chsk/ack {heard}] nil]")),
                _ => text(&format!("[[\"chsk/ack\",{heard}],null]")),
            };
            for client in &mut self.clients {
                self.runtime.block_on(client.say(&ack))?;
            }
        }
        Ok(())
    }
}

/// Requests of one client in one write, and their replies.
fn request(wire: Wire, at_once: usize) -> Result<Round, Failure> {
    let mut crowd = Crowd::gather(wire, 1)?;
    let mut replies = vec![0; at_once * reply_length(&mut crowd)?];
    let mut frames = Vec::with_capacity(at_once * crowd.request.len());
    Ok(Box::new(move || {
        frames.clear();
        for _ in 0..at_once {
            frames.extend_from_slice(crowd.request());
        }
        crowd.runtime.block_on(async {
            crowd.clients[0].say(&frames).await?;
            crowd.clients[0].hear(&mut replies).await
        })?;
        crowd.acknowledge(at_once)
    }))
}

fn reply_length(crowd: &mut Crowd) -> Result<usize, Failure> {
    let (frame, slot) = (crowd.request().to_vec(), crowd.slot);
    let reply = crowd.runtime.block_on(async {
        crowd.clients[0].say(&frame).await?;
        crowd.clients[0].until(format!("{slot}]").as_bytes()).await
    })?;
    crowd.heard = 1;
    Ok(reply.len())
}

/// Events without a reply, in one write with a request that says when all are handled.
fn route(wire: Wire) -> Result<Round, Failure> {
    let mut crowd = Crowd::gather(wire, 1)?;
    let mut reply = vec![0; reply_length(&mut crowd)?];
    let tell = "x".repeat(64);
    let tell = match wire.codec() {
        "edn" => text(&format!("[[:bench/tell {tell:?}] nil]")),
        _ => text(&format!("[[\"bench/tell\",{tell:?}],null]")),
    };
    let tells = tell.repeat(PIPELINED - 1);
    let mut frames = Vec::with_capacity(tells.len() + crowd.request.len());
    Ok(Box::new(move || {
        frames.clear();
        frames.extend_from_slice(&tells);
        frames.extend_from_slice(crowd.request());
        crowd.runtime.block_on(async {
            crowd.clients[0].say(&frames).await?;
            crowd.clients[0].hear(&mut reply).await
        })?;
        crowd.acknowledge(1)
    }))
}

/// An event for one user among many.
fn push(wire: Wire) -> Result<Round, Failure> {
    let mut crowd = Crowd::gather(wire, CROWD)?;
    let (data, mut next) = ("x".repeat(64), 0);
    let mut heard = vec![0; event_length(&mut crowd, &data)?];
    Ok(Box::new(move || {
        next = (next + 37) % CROWD;
        let user = UserId::from(format!("user-{next}"));
        let pushed = crowd.server.push(&user, tsugi::Event::new("bench/said", &data));
        crowd.runtime.block_on(pushed)?;
        Ok(crowd.runtime.block_on(crowd.clients[next].hear(&mut heard))?)
    }))
}

/// An event for everybody, until everybody has it.
fn deliver(wire: Wire) -> Result<Round, Failure> {
    let mut crowd = Crowd::gather(wire, CROWD)?;
    let data = "x".repeat(128);
    let mut heard = vec![0; event_length(&mut crowd, &data)?];
    Ok(Box::new(move || {
        crowd.runtime.block_on(async {
            crowd.server.broadcast(tsugi::Event::new("bench/said", &data)).await?;
            for client in &mut crowd.clients {
                client.hear(&mut heard).await?;
            }
            Ok::<_, Failure>(())
        })?;
        crowd.acknowledge(1)
    }))
}

fn event_length(crowd: &mut Crowd, data: &str) -> Result<usize, Failure> {
    let end = if crowd.wire.codec() == "edn" { "\"]] nil]" } else { "\"]],null]" };
    let mut length = 0;
    crowd.runtime.block_on(async {
        crowd.server.broadcast(tsugi::Event::new("bench/said", data)).await?;
        for client in &mut crowd.clients {
            length = client.until(end.as_bytes()).await?.len();
        }
        Ok::<_, Failure>(())
    })?;
    crowd.heard = 1;
    Ok(length)
}
