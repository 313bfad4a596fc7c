//! The load: `load ADDRESS DIALECT JOB CONNECTIONS DEPTH SECONDS PID`. One thread, loopback only, ended by time. Prints
//! one line: messages, seconds, the server's CPU nanoseconds and its own.
//!
//! Every payload holds one character whose second byte is in no frame header, no envelope and no other payload, so
//! messages are counted without being parsed, however a server batches them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const MARK: u8 = 0xBF;
/// Clients from one address, far below the number of its ports.
const PER_ADDRESS: usize = 2_000;
/// Nothing is waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    Raw,
    Edn,
    Json,
}

impl Dialect {
    fn path(self, index: usize) -> String {
        let codec = match self {
            Self::Raw => return "/ws".to_owned(),
            Self::Edn => "edn",
            Self::Json => "json",
        };
        format!("/chsk?client-id=client-{index}&tsugi=1&codec={codec}")
    }

    fn request(self, job: &str, size: usize) -> Vec<u8> {
        let first = if job == "broadcast" { "B" } else { "E" };
        // The mark is two bytes long.
        let text = format!("{first}¿{}", "x".repeat(size - 3));
        let message = match self {
            Self::Raw => text,
            Self::Edn if job == "broadcast" => format!("[[:bench/broadcast {text:?}] nil]"),
            Self::Edn => format!("[[:bench/echo {text:?}] 1]"),
            Self::Json if job == "broadcast" => format!("[[\"bench/broadcast\",{text:?}],null]"),
            Self::Json => format!("[[\"bench/echo\",{text:?}],1]"),
        };
        masked(message.as_bytes())
    }
}

/// A masked text frame whose mask is zero (RFC 6455, section 5.2).
fn masked(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

async fn connect(server: SocketAddr, dialect: Dialect, index: usize) -> Outcome<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let host = u8::try_from(index / PER_ADDRESS + 2)?;
    socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into())?;
    let mut stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        dialect.path(index)
    );
    stream.write_all(head.as_bytes()).await?;
    let end: &[u8] = match dialect {
        Dialect::Raw => b"\r\n\r\n",
        Dialect::Edn => b" nil]",
        Dialect::Json => b",null]",
    };
    let answer = until(&mut stream, end).await?;
    if !answer.starts_with(b"HTTP/1.1 101") {
        return Err(String::from_utf8_lossy(&answer).into_owned().into());
    }
    let hello = match dialect {
        Dialect::Raw => return Ok(stream),
        Dialect::Edn => "[[:chsk/hello {}] nil]",
        Dialect::Json => "[[\"chsk/hello\",{}],null]",
    };
    stream.write_all(&masked(hello.as_bytes())).await?;
    until(&mut stream, end).await?;
    Ok(stream)
}

/// What comes until it ends with this.
async fn until(stream: &mut TcpStream, end: &[u8]) -> Outcome<Vec<u8>> {
    let mut seen = Vec::new();
    while !seen.ends_with(end) {
        let mut chunk = [0; 1024];
        match stream.read(&mut chunk).await? {
            0 => return Err(String::from_utf8_lossy(&seen).into_owned().into()),
            read => seen.extend_from_slice(&chunk[..read]),
        }
    }
    Ok(seen)
}

/// CPU time in nanoseconds of all threads that a process has now (`/proc/PID/task/TID/schedstat`, first field).
fn cpu(process: &str) -> Outcome<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let line = fs::read_to_string(thread?.path().join("schedstat"))?;
        sum += line.split(' ').next().ok_or("schedstat is empty")?.parse::<u64>()?;
    }
    Ok(sum)
}

fn marks(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte == MARK)).sum()
}

/// Keeps `depth` requests in flight: as many go out as answers came in, in one write.
async fn ask(mut stream: TcpStream, request: Vec<u8>, depth: usize, count: Arc<AtomicU64>) -> Outcome<()> {
    let many = request.repeat(depth);
    let mut chunk = vec![0; 8192];
    stream.write_all(&many).await?;
    loop {
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Err("the server hung up".into());
        }
        let answered = marks(&chunk[..read]);
        count.fetch_add(answered, Relaxed);
        let size = request.len() * usize::try_from(answered)?.min(depth);
        if size > 0 {
            stream.write_all(&many[..size]).await?;
        }
    }
}

struct Heard {
    count: Arc<AtomicU64>,
    target: AtomicU64,
    all: Notify,
}

async fn hear(mut stream: impl AsyncReadExt + Unpin, heard: Arc<Heard>) -> Outcome<()> {
    let mut chunk = vec![0; 4096];
    loop {
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Err("the server hung up".into());
        }
        let came = marks(&chunk[..read]);
        if heard.count.fetch_add(came, Relaxed) + came >= heard.target.load(Relaxed) {
            heard.all.notify_one();
        }
    }
}

/// One burst at a time: the next begins when everybody has heard the last.
async fn broadcast(streams: Vec<TcpStream>, request: Vec<u8>, burst: usize, count: Arc<AtomicU64>) -> Outcome<()> {
    let each = (streams.len() * burst) as u64;
    let heard = Arc::new(Heard { count, target: AtomicU64::new(each), all: Notify::new() });
    let mut speaker = None;
    for stream in streams {
        let (reader, writer) = stream.into_split();
        tokio::spawn(failing(hear(reader, heard.clone())));
        // A writer that is dropped would close its half.
        speaker.get_or_insert_with(Vec::new).push(writer);
    }
    let mut writers = speaker.ok_or("no connections")?;
    let many = request.repeat(burst);
    loop {
        writers[0].write_all(&many).await?;
        let target = heard.target.load(Relaxed);
        tokio::time::timeout(PATIENCE, async {
            while heard.count.load(Relaxed) < target {
                heard.all.notified().await;
            }
        })
        .await?;
        heard.target.store(target + each, Relaxed);
    }
}

/// A client that fails makes the whole measurement void.
async fn failing(work: impl Future<Output = Outcome<()>>) {
    if let Err(error) = work.await {
        eprintln!("load: {error}");
        std::process::exit(1);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, dialect, job, connections, depth, seconds, process] = &arguments[..] else {
        return Err("load ADDRESS raw|edn|json request|broadcast CONNECTIONS DEPTH SECONDS PID".into());
    };
    let server: SocketAddr = address.parse()?;
    let dialect = match dialect.as_str() {
        "edn" => Dialect::Edn,
        "json" => Dialect::Json,
        _ => Dialect::Raw,
    };
    let (connections, depth): (usize, usize) = (connections.parse()?, depth.parse()?);
    let length = Duration::from_secs_f64(seconds.parse()?);
    let mut streams = Vec::with_capacity(connections);
    for index in 0..connections {
        streams.push(tokio::time::timeout(PATIENCE, connect(server, dialect, index)).await??);
    }
    let count = Arc::new(AtomicU64::new(0));
    let request = dialect.request(job, if job == "broadcast" { 128 } else { 64 });
    if job == "broadcast" {
        tokio::spawn(failing(broadcast(streams, request, depth, count.clone())));
    } else {
        for stream in streams {
            tokio::spawn(failing(ask(stream, request.clone(), depth, count.clone())));
        }
    }
    tokio::time::sleep(length / 4).await;
    let before = (Instant::now(), count.load(Relaxed), cpu(process)?, cpu("self")?);
    tokio::time::sleep(length).await;
    let messages = count.load(Relaxed) - before.1;
    let seconds = before.0.elapsed().as_secs_f64();
    if messages == 0 {
        return Err("nothing came back".into());
    }
    println!("{messages} {seconds} {} {}", cpu(process)? - before.2, cpu("self")? - before.3);
    Ok(())
}
