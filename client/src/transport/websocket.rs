//! One WebSocket, from the upgrade to the end, driven by whoever polls it.

use super::{Http, Refused};
use crate::platform::Happened;
use bytes::{Buf, Bytes, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tsugi_proto::connection::Flow;
use tsugi_proto::websocket::{Decoder, Incoming, Role, client_frame};
use tsugi_proto::{Close, CloseCode, Message};

/// Bytes not yet written, beyond which nothing more is taken or read.
const FULL: usize = 1024 * 1024;
/// Bytes masked ahead of the socket.
const AHEAD: usize = 64 * 1024;
/// How much is read at once.
const SCRATCH: usize = 16 * 1024;
/// How long the peer may take to say its part of a close.
const FAREWELL: Duration = Duration::from_secs(2);

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xa;

/// A future that ends in an open WebSocket.
type Opening = Pin<Box<dyn Future<Output = Result<TokioIo<Upgraded>, Refused>> + Send>>;

enum Stage {
    Opening(Opening),
    Open(Wire),
    Gone,
}

/// Whether anybody wants to hear of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ears {
    Open,
    Shut,
}

pub(crate) struct Socket {
    stage: Stage,
    ears: Ears,
    queue: VecDeque<Message>,
    queued: usize,
    /// Set when a close was said: the peer has this long.
    farewell: Option<Pin<Box<Sleep>>>,
}

/// An open connection with what is on its way in and out.
struct Wire {
    io: TokioIo<Upgraded>,
    decoder: Decoder,
    arrived: VecDeque<Happened>,
    out: BytesMut,
    /// Nothing may be written behind it.
    closing: Option<Bytes>,
}

impl Socket {
    /// Begins to open one. `query` is waited for first.
    pub(crate) fn open<F>(http: Arc<Http>, query: F) -> Self
    where
        F: Future<Output = Vec<(String, String)>> + Send + 'static,
    {
        let opening = async move { http.upgrade(&query.await).await };
        let stage = Stage::Opening(Box::pin(opening));
        Self { stage, ears: Ears::Open, queue: VecDeque::new(), queued: 0, farewell: None }
    }

    /// One that is open already.
    pub(crate) fn over(io: TokioIo<Upgraded>, max_message: usize) -> Self {
        let stage = Stage::Open(Wire::new(io, max_message));
        Self { stage, ears: Ears::Open, queue: VecDeque::new(), queued: 0, farewell: None }
    }

    pub(crate) fn send(&mut self, message: Message) {
        self.queued += message.len();
        self.queue.push_back(message);
    }

    pub(crate) fn flow(&self) -> Flow {
        if self.ears == Ears::Open && self.held() > FULL { Flow::Full } else { Flow::Free }
    }

    /// Says goodbye; nothing more of it is heard but that it is gone.
    pub(crate) fn let_go(&mut self, close: &Close) {
        self.ears = Ears::Shut;
        match &mut self.stage {
            Stage::Open(wire) => {
                let mut payload = close.code.get().to_be_bytes().to_vec();
                payload.extend_from_slice(close.reason.as_bytes());
                wire.closing.get_or_insert(Bytes::from(payload));
                self.farewell.get_or_insert_with(|| Box::pin(tokio::time::sleep(FAREWELL)));
            }
            // Nobody is there to hear it.
            stage => *stage = Stage::Gone,
        }
    }

    /// Bytes that are not written yet.
    pub(crate) fn held(&self) -> usize {
        let out = if let Stage::Open(wire) = &self.stage { wire.out.len() } else { 0 };
        self.queued + out
    }

    /// Goes on until something happened that its owner must know.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, max_message: usize) -> Poll<Happened> {
        loop {
            match &mut self.stage {
                Stage::Gone => return Poll::Ready(Happened::Gone),
                Stage::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(io) => self.stage = Stage::Open(Wire::new(io, max_message)),
                    Err(refused) => return Poll::Ready(self.refused(refused)),
                },
                Stage::Open(_) => {
                    let happened = ready!(self.poll_open(cx));
                    if self.ears == Ears::Open || matches!(happened, Happened::Gone) {
                        return Poll::Ready(self.note(happened));
                    }
                    if matches!(happened, Happened::Closed(_)) {
                        self.stage = Stage::Gone;
                    }
                }
            }
        }
    }

    fn refused(&mut self, refused: Refused) -> Happened {
        self.stage = Stage::Gone;
        self.ears = Ears::Shut;
        match refused {
            Refused::Answered(answer) => Happened::Refused(answer),
            Refused::Failed(why) => {
                tracing::debug!(why, "no WebSocket");
                // No close frame holds it: it is read where the loss is described, and never written.
                Happened::Closed(Some(Close { code: CloseCode::ABNORMAL, reason: why.into() }))
            }
        }
    }

    /// After its end it is only waited for until the peer has heard of it.
    fn note(&mut self, happened: Happened) -> Happened {
        if let Happened::Closed(close) = &happened {
            let said = close.clone().unwrap_or(Close::because(CloseCode::NORMAL, ""));
            self.let_go(&said);
            // Whoever closed, or is not there any more, is not waited for.
            self.farewell = Some(Box::pin(tokio::time::sleep(Duration::from_millis(100))));
        }
        happened
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        if let Some(farewell) = &mut self.farewell
            && farewell.as_mut().poll(cx).is_ready()
        {
            self.stage = Stage::Gone;
            return Poll::Ready(Happened::Gone);
        }
        let was_full = self.flow() == Flow::Full;
        let Stage::Open(wire) = &mut self.stage else { return Poll::Ready(Happened::Gone) };
        if let Poll::Ready(Err(_)) = wire.poll_write(cx, &mut self.queue, &mut self.queued) {
            return Poll::Ready(Happened::Closed(None));
        }
        if let Some(happened) = wire.arrived.pop_front() {
            return Poll::Ready(happened);
        }
        if wire.out.len() + self.queued > FULL && self.ears == Ears::Open {
            return Poll::Pending;
        }
        if was_full {
            return Poll::Ready(Happened::Room);
        }
        let read = wire.poll_read(cx);
        // Answers to pings were put there meanwhile.
        if read.is_pending()
            && let Poll::Ready(Err(_)) = wire.poll_write(cx, &mut self.queue, &mut self.queued)
        {
            return Poll::Ready(Happened::Closed(None));
        }
        read
    }
}

impl Wire {
    fn new(io: TokioIo<Upgraded>, max_message: usize) -> Self {
        let decoder = Decoder::new(Role::Client, max_message);
        Self { io, decoder, arrived: VecDeque::new(), out: BytesMut::new(), closing: None }
    }

    /// Writes what it can. Ready when the connection failed, or when everything is written and a close was the last of it.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        queue: &mut VecDeque<Message>,
        queued: &mut usize,
    ) -> Poll<std::io::Result<()>> {
        loop {
            self.fill(queue, queued);
            if self.out.is_empty() {
                return Pin::new(&mut self.io).poll_flush(cx);
            }
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
        }
    }

    fn fill(&mut self, queue: &mut VecDeque<Message>, queued: &mut usize) {
        while self.out.len() < AHEAD
            && let Some(message) = queue.pop_front()
        {
            *queued -= message.len();
            let opcode = if matches!(message, Message::Text(_)) { TEXT } else { BINARY };
            self.put(opcode, message.as_bytes());
        }
        if queue.is_empty()
            && let Some(payload) = self.closing.take_if(|payload| !payload.is_empty())
        {
            self.put(CLOSE, &payload);
            // What is left says that the close was written.
            self.closing = Some(Bytes::new());
        }
    }

    fn put(&mut self, opcode: u8, payload: &[u8]) {
        let mut mask = [0; 4];
        // The mask keeps pages from choosing bytes on the wire; no page chooses these. Without randomness it may be known.
        if let Err(error) = getrandom::fill(&mut mask) {
            tracing::debug!(%error, "a frame has no mask to speak of");
        }
        self.out.extend_from_slice(&client_frame(opcode, payload, mask));
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        loop {
            let mut scratch = [0; SCRATCH];
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Happened::Closed(None));
            }
            if let Some(happened) = self.take_in(buffer.filled_mut()) {
                return Poll::Ready(happened);
            }
        }
    }

    fn take_in(&mut self, mut input: &mut [u8]) -> Option<Happened> {
        loop {
            match self.decoder.decode(&mut input) {
                Ok(None) => return self.arrived.pop_front(),
                Ok(Some(Incoming::Ping(payload))) if self.closing.is_none() => self.put(PONG, &payload),
                Ok(Some(Incoming::Ping(_) | Incoming::Pong(_))) => {}
                Ok(Some(Incoming::Message(message))) => self.arrived.push_back(Happened::Message(message)),
                Ok(Some(Incoming::Close(close))) => self.arrived.push_back(Happened::Closed(close)),
                Err(error) => self.arrived.push_back(Happened::Closed(Some(error.close()))),
            }
        }
    }
}
