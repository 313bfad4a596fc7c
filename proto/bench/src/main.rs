//! How long each codec takes to write a typed event and to read one into its type, beside the best public crate for its
//! format. `cargo run --release --manifest-path proto/bench/Cargo.toml` prints the table.
//!
//! Ours write and read whole packets, `[[:chat/said data] nil]`, as a server does: the data of an event is checked when it
//! arrives and read when its handler is called, so that it is gone through twice. The others write and read the data alone.
//! The latter is told of ours too, which is what a handler's `Data<T>` takes, and beside `serde_json` for every codec.

use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::io::Read;
use std::time::{Duration, Instant};
use tsugi_proto::codec::{Codec, Edn, Gzip, Json, MessagePack, Transit, deserialize};
use tsugi_proto::{Encoded, Event, Message, Received};

type Failure = Box<dyn std::error::Error>;

/// What is written and read: a row of a chat.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Row {
    id: u64,
    user: String,
    text: String,
    likes: Vec<u32>,
    edited: bool,
    score: Option<f64>,
}

fn rows(count: u64) -> Vec<Row> {
    let row = |id| Row {
        id,
        user: format!("user-{}", id % 7),
        text: format!("message {id}, of the length that people write é"),
        likes: vec![1, 20, 300],
        edited: id % 3 == 0,
        score: (id % 2 == 0).then_some(id as f64 / 4.0),
    };
    (0..count).map(row).collect()
}

/// The same format in another crate.
struct Peer {
    name: &'static str,
    encode: fn(&[Row]) -> Result<Vec<u8>, Failure>,
    decode: fn(&[u8]) -> Result<Vec<Row>, Failure>,
}

const EDN: Peer = Peer {
    name: "clojure-reader",
    encode: |rows| Ok(clojure_reader::ser::to_string(&rows)?.into_bytes()),
    decode: |data| {
        clojure_reader::de::from_str(std::str::from_utf8(data)?).map_err(|error| format!("{error:?}").into())
    },
};

const JSON: Peer = Peer {
    name: "serde_json",
    encode: |rows| Ok(serde_json::to_vec(rows)?),
    decode: |data| Ok(serde_json::from_slice(data)?),
};

const MSGPACK: Peer = Peer {
    name: "rmp-serde",
    encode: |rows| Ok(rmp_serde::to_vec_named(rows)?),
    decode: |data| Ok(rmp_serde::from_slice(data)?),
};

const GZIP: Peer = Peer {
    name: "serde_json and flate2",
    encode: |rows| {
        let mut packed = Vec::new();
        GzEncoder::new(&serde_json::to_vec(rows)?[..], Compression::default()).read_to_end(&mut packed)?;
        Ok(packed)
    },
    decode: |data| {
        let mut text = Vec::new();
        GzDecoder::new(data).read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    },
};

fn encode(codec: &dyn Codec, rows: &[Row]) -> Result<Message, Failure> {
    let body = codec.encode_event(&Event::new("chat/said", rows)?)?;
    Ok(codec.join(&[body]))
}

/// A client's message, which holds one event; what a server sends holds a batch.
fn request(codec: &dyn Codec, rows: &[Row]) -> Result<Message, Failure> {
    let event = [tsugi_proto::Value::keyword("chat/said"), tsugi_proto::value::to_value(rows)?];
    Ok(codec.encode(&event.to_vec().into(), &tsugi_proto::Value::Nil)?)
}

/// The data of an event, checked and still encoded.
fn arrive(codec: &dyn Codec, message: &Message) -> Result<Option<Encoded>, Failure> {
    match codec.decode_event(message.clone())? {
        Received::Event { data, .. } => Ok(data),
        other => Err(format!("{other:?} is no event").into()),
    }
}

fn read(codec: &dyn Codec, data: Option<&Encoded>) -> Result<Vec<Row>, Failure> {
    Ok(deserialize(codec, data)?)
}

fn decode(codec: &dyn Codec, message: &Message) -> Result<Vec<Row>, Failure> {
    read(codec, arrive(codec, message)?.as_ref())
}

/// The fastest of many short batches, so that what else runs on the machine is left out.
fn time<T>(mut run: impl FnMut() -> Result<T, Failure>) -> Result<Duration, Failure> {
    const BATCHES: usize = 500;
    let start = Instant::now();
    let mut runs = 0_u32;
    while start.elapsed() < Duration::from_micros(200) {
        black_box(run()?);
        runs += 1;
    }
    let mut fastest = Duration::MAX;
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..runs {
            black_box(run()?);
        }
        fastest = fastest.min(start.elapsed() / runs);
    }
    Ok(fastest)
}

fn micros(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e6)
}

fn main() -> Result<(), Failure> {
    let codecs: [(Box<dyn Codec>, &Peer); 6] = [
        (Box::new(Edn::new()), &EDN),
        (Box::new(Json::new()), &JSON),
        (Box::new(Transit::new()), &JSON),
        (Box::new(Transit::verbose()), &JSON),
        (Box::new(MessagePack::new()), &MSGPACK),
        (Box::new(Gzip::new(Json::new())), &GZIP),
    ];
    println!(
        "| codec | bytes | write µs | read µs | data µs | beside | bytes | write µs | read µs | write | read | data by serde_json |"
    );
    println!("|---|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|");
    for (codec, peer) in &codecs {
        for count in [1, 8, 800] {
            compare(codec.as_ref(), peer, &rows(count))?;
        }
    }
    Ok(())
}

/// Measures and prints a line of the table.
fn compare(codec: &dyn Codec, peer: &Peer, rows: &[Row]) -> Result<(), Failure> {
    let message = request(codec, rows)?;
    assert_eq!(decode(codec, &message)?, rows, "{} says the same", codec.name());
    let other = (peer.encode)(rows)?;
    assert_eq!((peer.decode)(&other)?, rows, "{} says the same", peer.name);
    let data = arrive(codec, &message)?;
    let written = time(|| encode(codec, rows))?;
    let packet = time(|| decode(codec, &message))?;
    let alone = time(|| read(codec, data.as_ref()))?;
    let theirs = (time(|| (peer.encode)(rows))?, time(|| (peer.decode)(&other))?);
    let json = (JSON.encode)(rows)?;
    let json = time(|| (JSON.decode)(&json))?;
    let ratio = |ours: Duration, theirs: Duration| theirs.as_secs_f64() / ours.as_secs_f64();
    println!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.2} | {:.2} | {:.2} |",
        codec.name(),
        message.len(),
        micros(written),
        micros(packet),
        micros(alone),
        peer.name,
        other.len(),
        micros(theirs.0),
        micros(theirs.1),
        ratio(written, theirs.0),
        ratio(packet, theirs.1),
        ratio(alone, json),
    );
    Ok(())
}
