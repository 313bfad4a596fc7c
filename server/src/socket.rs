//! The low level: one socket, three channels.
//!
//! What comes in is a stream, what goes out is a sink, what goes wrong is a stream too. Back-pressure is real in both
//! directions: a handler that does not receive stops the connection being read, and [`Outgoing::send`] waits for a peer
//! that reads slowly.

use crate::session::{Cell, Owner, with};
use futures_core::Stream;
use futures_sink::Sink;
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use thiserror::Error;
use tsugi_proto::session::{AfterClose, Closed, ClosedBy, Item, SessionEvent};
use tsugi_proto::{Close, CloseCode, Framing, Message};

use crate::identity::ConnectRequest;

/// One logical connection as messages. Split it, and receive and send at the same time.
#[derive(Debug)]
pub struct Socket {
    incoming: Incoming,
    outgoing: Outgoing,
    errors: Errors,
}

/// Why a message was not sent. Unless said otherwise the socket is over; let the handler end.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// The socket is closed.
    #[error("the socket is closed ({0})")]
    Closed(CloseCode),
    /// The socket is one of SockJS, which carries text, and the message is binary. The socket stays open.
    #[error(transparent)]
    NotText(#[from] tsugi_proto::framing::NotText),
    /// The peer read nothing for [`SocketConfig::send_timeout`](crate::config::SocketConfig); the socket was closed.
    #[error("the peer reads too slowly: nothing could be sent for {0:?}")]
    Timeout(Duration),
}

/// What went wrong on a socket.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SocketError {
    /// The peer broke the WebSocket protocol and was closed with this.
    #[error("the peer broke the protocol: {} ({})", .0.reason, .0.code)]
    Protocol(Close),
    /// The connection broke, or the peer stopped answering pings.
    #[error("the connection was lost")]
    Lost,
}

/// Shared by the three channels of one socket.
pub(crate) struct Shared {
    cell: Cell,
    request: ConnectRequest,
    framing: Framing,
    send_timeout: Option<Duration>,
    /// Bytes that may wait before `send` does.
    high_water: usize,
    senders: AtomicUsize,
    state: Mutex<State>,
}

/// Who waits, and how it ended. Locked for moments, never with the session's lock taken inside.
#[derive(Default)]
struct State {
    reader: Option<Waker>,
    writers: Vec<Waker>,
    errors: Option<Waker>,
    closed: Option<Closed>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

impl Owner for Shared {
    fn cell(&self) -> &Cell {
        &self.cell
    }

    fn notify(self: Arc<Self>, event: SessionEvent) {
        if let SessionEvent::Closed(closed) = event {
            let woken = {
                let mut state = self.state.lock();
                state.closed = Some(closed);
                let mut woken = std::mem::take(&mut state.writers);
                woken.extend(state.reader.take());
                woken.extend(state.errors.take());
                woken
            };
            woken.into_iter().for_each(Waker::wake);
        }
    }

    fn readable(self: Arc<Self>) {
        let reader = self.state.lock().reader.take();
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn writable(&self) {
        let writers = std::mem::take(&mut self.state.lock().writers);
        writers.into_iter().for_each(Waker::wake);
    }
}

impl Shared {
    pub(crate) fn new(
        cell: Cell,
        request: ConnectRequest,
        framing: Framing,
        send_timeout: Option<Duration>,
        high_water: usize,
    ) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Self { cell, request, framing, send_timeout, high_water, senders: AtomicUsize::new(1), state })
    }

    fn closed_code(&self) -> CloseCode {
        self.state.lock().closed.as_ref().map_or(CloseCode::ABNORMAL, |closed| closed.close.code)
    }
}

impl Socket {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            incoming: Incoming(Arc::clone(shared)),
            outgoing: Outgoing { shared: Arc::clone(shared), waiting_since: None },
            errors: Errors { shared: Arc::clone(shared), told: false },
        }
    }

    /// The three channels.
    #[must_use]
    pub fn split(self) -> (Incoming, Outgoing, Errors) {
        (self.incoming, self.outgoing, self.errors)
    }

    pub(crate) fn outgoing(&self) -> Outgoing {
        self.outgoing.clone()
    }

    /// The request that opened the socket.
    #[must_use]
    pub fn request(&self) -> &ConnectRequest {
        &self.incoming.0.request
    }
}

/// What the peer sends, in order.
#[derive(Debug)]
pub struct Incoming(Arc<Shared>);

impl Incoming {
    /// The next message; `None` when the socket is closed and everything received before was taken.
    pub async fn recv(&mut self) -> Option<Message> {
        std::future::poll_fn(|context| self.poll_recv(context)).await
    }

    /// How the socket ended, with the peer's code and reason; `None` while it is open.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.0.state.lock().closed.clone()
    }

    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        // Registered before looking, so that a message which comes in between is not missed.
        self.0.state.lock().reader = Some(context.waker().clone());
        let owner: Arc<dyn Owner> = Arc::<Shared>::clone(&self.0);
        match with(&owner, |session, _| session.receive()) {
            Some(message) => Poll::Ready(Some(message)),
            None if self.0.state.lock().closed.is_some() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl Stream for Incoming {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_recv(context)
    }
}

/// What goes to the peer. Clones feed the same socket; when the last is dropped the socket closes with 1000.
#[derive(Debug)]
pub struct Outgoing {
    shared: Arc<Shared>,
    waiting_since: Option<tokio::time::Instant>,
}

impl Clone for Outgoing {
    fn clone(&self) -> Self {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(&self.shared), waiting_since: None }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        // AcqRel: the last one to leave sees everything that the others queued.
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close_with(Close::because(CloseCode::NORMAL, ""));
        }
    }
}

impl Outgoing {
    /// Sends a message. Waits while the peer reads more slowly than this end writes.
    ///
    /// # Errors
    /// When the socket is closed, or the peer read nothing for the configured time.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        let item = self.shared.framing.item(&message.into())?;
        let room = std::future::poll_fn(|context| self.poll_room(context));
        match self.shared.send_timeout {
            None => room.await?,
            Some(limit) => match tokio::time::timeout(limit, room).await {
                Ok(room) => room?,
                Err(_) => {
                    self.abort_with(Close::because(CloseCode::QUEUE_FULL, "the peer reads too slowly"));
                    return Err(SendError::Timeout(limit));
                }
            },
        }
        self.queue(item)
    }

    /// Closes with exactly this code and reason, after what was sent before.
    ///
    /// # Errors
    /// When the code may not be sent, or the reason is longer than 123 bytes; nothing happens then.
    pub fn close(&self, code: u16, reason: &str) -> Result<(), tsugi_proto::close::CloseError> {
        self.close_with(Close::new(CloseCode::new(code)?, reason)?);
        Ok(())
    }

    pub(crate) fn close_with(&self, close: Close) {
        with(&self.owner(), |session, now| session.close(now, close));
    }

    pub(crate) fn abort_with(&self, close: Close) {
        with(&self.owner(), |session, _| session.abort(close));
    }

    fn owner(&self) -> Arc<dyn Owner> {
        Arc::<Shared>::clone(&self.shared)
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        {
            let mut state = self.shared.state.lock();
            if !state.writers.iter().any(|waker| waker.will_wake(context.waker())) {
                state.writers.push(context.waker().clone());
            }
        }
        let (closing, queued) = self.shared.cell.look(|session| (session.is_closing(), session.queued_bytes()));
        match queued {
            _ if closing => Poll::Ready(Err(SendError::Closed(self.shared.closed_code()))),
            queued if queued < self.shared.high_water => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        }
    }

    fn queue(&self, item: Item) -> Result<(), SendError> {
        with(&self.owner(), |session, now| session.send(now, item))
            .map_err(|_| SendError::Closed(self.shared.closed_code()))
    }
}

impl Sink<Message> for Outgoing {
    type Error = SendError;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let room = self.poll_room(context);
        let since = *self.waiting_since.get_or_insert_with(tokio::time::Instant::now);
        match (room, self.shared.send_timeout) {
            (Poll::Pending, Some(limit)) if since.elapsed() >= limit => Poll::Ready(Err(SendError::Timeout(limit))),
            (Poll::Pending, _) => Poll::Pending,
            (ready, _) => {
                self.waiting_since = None;
                ready
            }
        }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        self.queue(self.shared.framing.item(&message)?)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_room(context)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.close_with(Close::because(CloseCode::NORMAL, ""));
        Poll::Ready(Ok(()))
    }
}

/// What goes wrong: at most one error, then the end. A socket that merely closes has none.
#[derive(Debug)]
pub struct Errors {
    shared: Arc<Shared>,
    told: bool,
}

impl Errors {
    /// The error that ended the socket; `None` when it closed without one.
    pub async fn recv(&mut self) -> Option<SocketError> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for Errors {
    type Item = SocketError;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<SocketError>> {
        if self.told {
            return Poll::Ready(None);
        }
        let closed = {
            let mut state = self.shared.state.lock();
            state.errors = Some(context.waker().clone());
            state.closed.clone()
        };
        let Some(closed) = closed else { return Poll::Pending };
        self.told = true;
        Poll::Ready(match closed.by {
            ClosedBy::Failure => Some(SocketError::Protocol(closed.close)),
            ClosedBy::Nobody => Some(SocketError::Lost),
            ClosedBy::Us | ClosedBy::Peer => None,
        })
    }
}

/// What the peer's close means to a plain socket.
pub(crate) const AFTER_CLOSE: AfterClose = AfterClose::End;
