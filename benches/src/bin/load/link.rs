//! One client's WebSocket.

use crate::Outcome;
use crate::dialect::{Say, masked};
use crate::plan::{PATIENCE, Plan};
use std::cell::RefCell;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::ready;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};

/// Clients from one address, far below the number of its ports.
const PER_ADDRESS: usize = 2_000;
/// The addresses that clients come from, from 127.0.0.2 on.
const ADDRESSES: usize = 200;
/// Handshakes at a time.
const AT_ONCE: usize = 32;
/// A head or an opening message that is longer is not one of ours.
const LONGEST: usize = 64 * 1024;

pub(crate) async fn tcp(server: SocketAddr, index: usize) -> Outcome<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let host = u8::try_from(index / PER_ADDRESS % ADDRESSES + 2)?;
    socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into())?;
    let stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects, and shakes hands to the end.
pub(crate) async fn open(plan: &Plan, index: usize, named: bool) -> Outcome<TcpStream> {
    tokio::time::timeout(PATIENCE, begin(plan, index, named)).await.map_err(|_| "a handshake took too long")?
}

async fn begin(plan: &Plan, index: usize, named: bool) -> Outcome<TcpStream> {
    let mut stream = tcp(plan.address, index).await?;
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        plan.dialect.path(index, named),
        plan.address
    );
    stream.write_all(head.as_bytes()).await?;
    let mut upgraded = false;
    for (end, answer) in plan.dialect.opening(index) {
        let heard = until(&mut stream, end).await?;
        if !upgraded && !heard.starts_with(b"HTTP/1.1 101") {
            return Err(refused(&heard));
        }
        upgraded = true;
        if let Some(answer) = answer {
            stream.write_all(&masked(1, answer.as_bytes())).await?;
        }
        // Some ask at once whether the client is there.
        if let Some(pong) = plan.dialect.pong(&heard) {
            stream.write_all(&pong).await?;
        }
    }
    Ok(stream)
}

fn refused(heard: &[u8]) -> Box<dyn std::error::Error + Send + Sync> {
    let text = String::from_utf8_lossy(heard);
    format!("the server refused: {}", text.lines().next().unwrap_or("nothing was said")).into()
}

/// What comes until it holds this, which servers say at the end of one write.
async fn until(stream: &mut TcpStream, end: &[u8]) -> Outcome<Vec<u8>> {
    let mut seen = Vec::new();
    while !seen.windows(end.len()).any(|window| window == end) {
        let mut chunk = [0; 1024];
        let read = stream.read(&mut chunk).await?;
        seen.extend_from_slice(&chunk[..read]);
        if read == 0 || seen.len() > LONGEST || (seen.starts_with(b"HTTP/1.1 4") && seen.ends_with(b"\r\n\r\n")) {
            return Err(refused(&seen));
        }
    }
    Ok(seen)
}

/// The clients of one measurement, a few handshakes at a time.
pub(crate) async fn open_all(
    plan: &'static Plan,
    range: std::ops::Range<usize>,
    named: bool,
) -> Outcome<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(range.len());
    for first in range.clone().step_by(AT_ONCE) {
        let last = (first + AT_ONCE).min(range.end);
        let opening: Vec<_> = (first..last).map(|index| tokio::spawn(open(plan, index, named))).collect();
        for stream in opening {
            streams.push(stream.await??);
        }
    }
    Ok(streams)
}

thread_local! {
    /// All clients read into the same memory: 10,000 buffers would measure the generator's cache misses.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

/// Waits for bytes and looks at them.
pub(crate) async fn hear<R>(stream: &mut (impl AsyncRead + Unpin), mut look: impl FnMut(&[u8]) -> R) -> Outcome<R> {
    poll_fn(|cx| {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            let read = ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer));
            std::task::Poll::Ready(match read {
                Err(error) => Err(error.into()),
                Ok(()) if buffer.filled().is_empty() => Err("the server hung up".into()),
                Ok(()) => Ok(look(buffer.filled())),
            })
        })
    })
    .await
}

/// Whether the server really does the job: one message must come back, whole.
pub(crate) async fn check(plan: &Plan, speaker: &mut TcpStream, listener: Option<&mut TcpStream>, say: Say) -> Outcome {
    let message = plan.dialect.message(say, 128, 1);
    let end = message.rfind('x').ok_or("a payload without an end")?;
    let payload = &message.as_bytes()[message.find('¿').ok_or("a payload without a mark")?..=end];
    speaker.write_all(&masked(1, message.as_bytes())).await?;
    let mut seen = Vec::new();
    let listener = listener.unwrap_or(speaker);
    let whole = async {
        while !seen.windows(payload.len()).any(|window| window == payload) {
            hear(listener, |bytes| seen.extend_from_slice(bytes)).await?;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, whole).await.map_err(|_| "what was sent did not come back")?
}
