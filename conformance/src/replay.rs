//! Scripts of recorded exchanges, and playing them.
//!
//! A script is a file of JSON lines. Each is a step on one TCP connection (`on`): what the client did, or what the server
//! answered to it. Frames are whole, header and mask included, in hexadecimal digits.

use crate::raw::{Answer, Raw, payload};
use serde::Deserialize;
use std::collections::HashMap;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// How much sooner than recorded something may come that had to be waited for.
const EARLY: Duration = Duration::from_millis(100);

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Step {
    /// The client sends a request; host and length are added.
    Request {
        on: u32,
        request: Vec<String>,
        #[serde(default)]
        body: Body,
    },
    /// The server answers, not before `after` milliseconds. Without a body, any will do.
    Answer { on: u32, status: u16, body: Option<Body>, after: Option<u64> },
    /// The client sends a frame.
    Send { on: u32, send: String },
    /// The server sends a frame; an empty one is that it hangs up.
    Frame { on: u32, frame: String },
    /// The server sends a frame of the gzip packer: the byte 1 and a stream that inflates to this. Two deflaters rarely
    /// write the same.
    Gzip { on: u32, gzip: String },
    /// The server says nothing for so many milliseconds.
    Quiet { on: u32, quiet: u64 },
    /// The client hangs up without a word.
    Abort {
        on: u32,
        #[serde(rename = "abort")]
        _abort: bool,
    },
    /// The client waits so many milliseconds.
    Wait { wait: u64 },
}

/// The body of a request or an answer.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Body {
    Text(String),
    Bytes {
        hex: String,
    },
    /// Of the gzip packer, compressed: see [`Step::Gzip`].
    Gzip {
        gzip: String,
    },
}

impl Default for Body {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

struct Player {
    address: SocketAddr,
    connections: HashMap<u32, Raw>,
    asked: HashMap<u32, Instant>,
    place: String,
    longest_pause: Duration,
}

/// What people waited for in a recording is shortened to this; what a window or a grace time needs is kept.
const LONGEST_PAUSE: Duration = Duration::from_millis(700);

/// Plays a script of `recorded/` and compares every answer. Panics with the line that differs.
pub async fn replay(address: SocketAddr, name: &str) {
    replay_with_pauses(address, name, LONGEST_PAUSE).await;
}

/// As [`replay`], with no pause of the client longer than this, for a server whose times are shorter than the recorded one's.
pub async fn replay_with_pauses(address: SocketAddr, name: &str, longest_pause: Duration) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sente/recorded").join(name).with_extension("jsonl");
    let script = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut player =
        Player { address, connections: HashMap::new(), asked: HashMap::new(), place: String::new(), longest_pause };
    for (index, line) in script.lines().enumerate() {
        player.place = format!("{name} line {}", index + 1);
        player.step(serde_json::from_str(line).expect("a step")).await;
    }
}

impl Player {
    async fn step(&mut self, step: Step) {
        match step {
            Step::Request { on, request, body } => {
                if !self.connections.contains_key(&on) {
                    self.connections.insert(on, Raw::connect(self.address).await);
                }
                self.asked.insert(on, Instant::now());
                let body = match body {
                    Body::Text(text) => text.into_bytes(),
                    Body::Bytes { hex } => bytes(&hex),
                    Body::Gzip { .. } => panic!("{}: what a client sends is recorded as it was", self.place),
                };
                self.on(on).request_bytes(&request, &body).await;
            }
            Step::Answer { on, status, body, after } => self.answer(on, status, body, after).await,
            Step::Send { on, send } => self.on(on).write(&bytes(&send)).await,
            Step::Frame { on, frame } => self.frame(on, &bytes(&frame)).await,
            Step::Gzip { on, gzip } => {
                let frame = self.on(on).frame().await;
                assert_eq!(frame.first(), Some(&0x82), "{}: a binary frame", self.place);
                assert_eq!(inflated(payload(&frame)), bytes(&gzip), "{}", self.place);
            }
            Step::Quiet { on, quiet } => {
                let quiet = self.on(on).is_quiet(Duration::from_millis(quiet)).await;
                assert!(quiet, "{}: the server said something", self.place);
            }
            Step::Abort { on, .. } => drop(self.connections.remove(&on)),
            Step::Wait { wait } => tokio::time::sleep(Duration::from_millis(wait).min(self.longest_pause)).await,
        }
    }

    fn on(&mut self, on: u32) -> &mut Raw {
        self.connections.get_mut(&on).expect("the connection was opened before")
    }

    async fn answer(&mut self, on: u32, status: u16, body: Option<Body>, after: Option<u64>) {
        let Answer { status: got, body: text, bytes: binary, .. } = self.on(on).answer().await;
        assert_eq!(got, status, "{}: {text}", self.place);
        match body {
            None => {}
            Some(Body::Text(body)) => assert_eq!(text, body, "{}", self.place),
            Some(Body::Bytes { hex }) => assert_eq!(binary, bytes(&hex), "{}: {text}", self.place),
            Some(Body::Gzip { gzip }) => assert_eq!(inflated(&binary), bytes(&gzip), "{}", self.place),
        }
        if let (Some(after), Some(asked)) = (after, self.asked.get(&on)) {
            let waited = asked.elapsed();
            assert!(waited + EARLY >= Duration::from_millis(after), "{}: answered after {waited:?}", self.place);
        }
    }

    async fn frame(&mut self, on: u32, wanted: &[u8]) {
        let got = self.on(on).frame().await;
        let text = |frame: &[u8]| String::from_utf8_lossy(payload(frame)).into_owned();
        if wanted.first() == Some(&0x88) {
            // A close is compared by its code: an echoed reason is allowed, not asked for (RFC 6455, 5.5.1).
            assert_eq!(got.first(), Some(&0x88), "{}: {}", self.place, text(&got));
            assert_eq!(payload(&got).get(..2), payload(wanted).get(..2), "{}", self.place);
            return;
        }
        assert_eq!(text(&got), text(wanted), "{}", self.place);
        assert_eq!(got, wanted, "{}", self.place);
    }
}

/// What the gzip packer compressed.
fn inflated(packed: &[u8]) -> Vec<u8> {
    assert_eq!(packed.first(), Some(&1), "a compressed message, not {packed:02x?}");
    let mut inflated = Vec::new();
    flate2::read::GzDecoder::new(&packed[1..]).read_to_end(&mut inflated).expect("a gzip stream");
    inflated
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits");
    digits.map(byte).collect()
}
