//! The bare limit: hyper's upgrade, Tsugi's WebSocket codec, and a loop over frames that are made once. No protocol.

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::Empty;
use hyper::body::Incoming as Body;
use hyper::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::{Request, Response, StatusCode, service::service_fn, upgrade};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tsugi_benches::Error;
use tsugi_proto::websocket::{Decoder, Incoming, Role, accept_key};

/// What waits for one connection.
#[derive(Default)]
struct Mailbox {
    frames: Mutex<Vec<Bytes>>,
    filled: Notify,
}

impl Mailbox {
    fn put(&self, frame: Bytes) {
        locked(&self.frames).push(frame);
        self.filled.notify_one();
    }
}

#[derive(Default)]
struct Everybody(Mutex<HashMap<String, Arc<Mailbox>>>);

/// Nothing here panics under a lock, and each is held for a few lines without an await.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let listener = tsugi_benches::listen().await?;
    let everybody = Arc::<Everybody>::default();
    let mut number = 0_u64;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        number += 1;
        let (everybody, name) = (everybody.clone(), number.to_string());
        let service = service_fn(move |request| answer(request, everybody.clone(), name.clone()));
        let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(serving.with_upgrades());
    }
}

async fn answer(
    mut request: Request<Body>,
    everybody: Arc<Everybody>,
    anonymous: String,
) -> Result<Response<Empty<Bytes>>, hyper::http::Error> {
    let accept = request.headers().get(SEC_WEBSOCKET_KEY).map(|key| accept_key(key.as_bytes())).unwrap_or_default();
    let name = request.uri().query().and_then(|query| query.strip_prefix("uid=")).map_or(anonymous, str::to_owned);
    let upgraded = upgrade::on(&mut request);
    tokio::spawn(async move {
        let mailbox = Arc::<Mailbox>::default();
        locked(&everybody.0).insert(name.clone(), mailbox.clone());
        // A client that leaves in the middle is none of a benchmark's business.
        let _ = talk(upgraded, &everybody, &mailbox).await;
        locked(&everybody.0).remove(&name);
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept)
        .body(Empty::new())
}

async fn talk(upgraded: upgrade::OnUpgrade, everybody: &Everybody, mailbox: &Mailbox) -> Result<(), Error> {
    let parts = upgraded.await?.downcast::<TokioIo<TcpStream>>().map_err(|_| "an upgrade of something else")?;
    let mut stream = parts.io.into_inner();
    let mut connection = Connection { decoder: Decoder::new(Role::Server, 65_536), ready: Vec::new(), closed: false };
    connection.take(&mut BytesMut::from(parts.read_buf), everybody)?;
    while !connection.closed {
        tokio::select! {
            () = mailbox.filled.notified() => connection.ready.append(&mut locked(&mailbox.frames)),
            read = connection.read(&mut stream, everybody) => read?,
        }
        write(&mut stream, &mut connection.ready).await?;
    }
    Ok(())
}

thread_local! {
    /// An idle connection owns no buffer.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

struct Connection {
    decoder: Decoder,
    ready: Vec<Bytes>,
    closed: bool,
}

impl Connection {
    async fn read(&mut self, stream: &mut TcpStream, everybody: &Everybody) -> Result<(), Error> {
        poll_fn(|cx| {
            SCRATCH.with_borrow_mut(|scratch| {
                let mut buffer = ReadBuf::new(scratch);
                match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
                    Poll::Ready(Ok(())) if buffer.filled().is_empty() => Poll::Ready(Err("gone".into())),
                    Poll::Ready(Ok(())) => Poll::Ready(self.take(buffer.filled_mut(), everybody)),
                }
            })
        })
        .await
    }

    fn take(&mut self, mut input: &mut [u8], everybody: &Everybody) -> Result<(), Error> {
        while let Some(incoming) = self.decoder.decode(&mut input)? {
            match incoming {
                Incoming::Message(message) => self.route(message.as_bytes(), everybody)?,
                Incoming::Close(_) => {
                    self.ready.push(Bytes::from_static(&[0x88, 0]));
                    self.closed = true;
                }
                Incoming::Ping(_) | Incoming::Pong(_) => {}
            }
        }
        Ok(())
    }

    fn route(&mut self, message: &[u8], everybody: &Everybody) -> Result<(), Error> {
        match message.first() {
            Some(b'B') => {
                let frame = frame(message);
                locked(&everybody.0).values().for_each(|mailbox| mailbox.put(frame.clone()));
            }
            Some(b'P') => {
                let (name, text) = std::str::from_utf8(&message[1..])?.split_once(' ').ok_or("no text to push")?;
                let mailbox = locked(&everybody.0).get(name).cloned();
                mailbox.ok_or("nobody of that name")?.put(frame(text.as_bytes()));
            }
            _ => self.ready.push(frame(message)),
        }
        Ok(())
    }
}

/// A server's text frame (RFC 6455, section 5.2) of at most 65,535 bytes, which is all that the decoder lets in.
fn frame(payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(payload.len() + 4);
    frame.put_u8(0x81);
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => frame.put_u8(short),
        _ => {
            frame.put_u8(126);
            frame.put_u16(u16::try_from(payload.len()).unwrap_or(u16::MAX));
        }
    }
    frame.extend_from_slice(payload);
    frame.freeze()
}

async fn write(stream: &mut TcpStream, ready: &mut Vec<Bytes>) -> std::io::Result<()> {
    for some in ready.chunks(64) {
        let mut slices: Vec<_> = some.iter().map(|frame| IoSlice::new(frame)).collect();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            let written = stream.write_vectored(rest).await?;
            IoSlice::advance_slices(&mut rest, written);
        }
    }
    ready.clear();
    // An idle connection owns nothing that it once needed.
    if ready.capacity() > 64 {
        *ready = Vec::new();
    }
    Ok(())
}
