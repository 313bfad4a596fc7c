//! A WebSocket as a carrier: one task that reads, writes and sleeps for its session.

use super::Hold;
use crate::session::{Farewell, Idle, Owner, Parked, attend, carry, in_one_moment, now, park};
use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tsugi_proto::framing::sockjs;
use tsugi_proto::session::{AfterClose, CarrierId, Transmit};
use tsugi_proto::websocket::{Decoder, Incoming, ProtocolError, Role};
use tsugi_proto::{Close, CloseCode, Frame, Framing, Message};

/// Reads go into one scratch buffer per worker thread, so that an idle connection owns none.
const SCRATCH_BYTES: usize = 16 * 1024;
/// The most frames, and about the most bytes, that are gathered for one vectored write.
const GATHER_FRAMES: usize = 64;
const GATHER_BYTES: usize = 256 * 1024;
/// How long the closing handshake may take, and a blocked write once the session is over.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice());
    /// What the last connection gathered its frames in that wrote all of them. The next takes it over.
    static SPARE: Cell<VecDeque<Bytes>> = const { Cell::new(VecDeque::new()) };
}

/// Decides over the first message of a WebSocket that has no session yet.
pub(crate) trait Greeter: Send + Sync {
    /// Attaches the carrier to its session, or says how to close it.
    fn greet(&self, first: Message) -> Result<(Arc<dyn Owner>, CarrierId), Close>;
}

/// How a WebSocket begins.
pub(crate) enum Opening {
    /// It has its session from the start.
    Attached(Hold),
    /// This frame goes out, and the first message of the client decides, within the time.
    Greeting(Frame, Box<dyn Greeter>, Duration),
}

/// What a WebSocket needs to know beside its session.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// Bytes of one message; more closes with 1009.
    pub(crate) max_message: usize,
    /// What the peer's close means to the session.
    pub(crate) after_close: AfterClose,
    /// What a frame holds, and how the session's close is said.
    pub(crate) framing: Framing,
}

enum Stage {
    Greeting(Box<dyn Greeter>),
    Open(Hold),
    /// A close frame is queued or sent; what still comes is read and thrown away.
    Closing,
    /// The peer broke the protocol, so its close could not be read, or gets none: hang up once what is queued is written, and
    /// throw away what still comes, or a reset could overtake it.
    Failed,
    /// Our end of a failed connection is shut.
    HungUp,
    /// The peer's close was answered: end once that is written.
    Done,
}

/// The task of one WebSocket. It ends with its connection, its session, or when another carrier takes the session.
pub(crate) struct WebSocket {
    io: TokioIo<Upgraded>,
    decoder: Decoder,
    stage: Stage,
    out: VecDeque<Bytes>,
    settings: Settings,
    /// The session's next timer, or the deadline of a stage that has no session.
    sleep: Pin<Box<Sleep>>,
    deadline: Option<tokio::time::Instant>,
    /// Bytes may wait on the connection, because the session's inbox was full when it was this task's turn.
    left_unread: bool,
    /// Given back when the connection has its session: a place among the handshakes in flight.
    place: Option<Box<dyn Send + Sync>>,
}

/// Carries frames until the end. Whatever ends it, dropping the stage detaches the session.
///
/// A future by itself and no `async fn`, which would hold it twice: it is most of what an idle connection costs.
impl Future for WebSocket {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        in_one_moment(|| self.take_turn(context))
    }
}

impl WebSocket {
    pub(crate) fn new(io: Upgraded, opening: Opening, settings: Settings, place: Box<dyn Send + Sync>) -> Self {
        let mut out = VecDeque::new();
        let mut deadline = None;
        let mut held = None;
        let stage = match opening {
            Opening::Attached(hold) => Stage::Open(hold),
            Opening::Greeting(frame, greeter, within) => {
                out.push_back(frame.wire().clone());
                deadline = Some(now() + within);
                held = Some(place);
                Stage::Greeting(greeter)
            }
        };
        let decoder = Decoder::new(Role::Server, settings.max_message);
        let sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self { io: TokioIo::new(io), decoder, stage, out, settings, sleep, deadline, left_unread: false, place: held }
    }

    fn take_turn(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            self.gather();
            let wrote = match self.poll_write(context) {
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => true,
                Poll::Pending => false,
            };
            if wrote && matches!(self.stage, Stage::Done) {
                ready!(Pin::new(&mut self.io).poll_shutdown(context)).ok();
                return Poll::Ready(());
            }
            if wrote && matches!(self.stage, Stage::Failed) {
                ready!(Pin::new(&mut self.io).poll_shutdown(context)).ok();
                self.stage = Stage::HungUp;
            }
            match self.poll_read(context) {
                Poll::Ready(Go::On) => continue,
                Poll::Ready(Go::End) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            let idle = Idle { can_write: wrote, left_unread: std::mem::take(&mut self.left_unread) };
            match self.poll_sleep(context, idle) {
                Poll::Ready(Go::On) => {}
                Poll::Ready(Go::End) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Takes from the session what one write can hold.
    fn gather(&mut self) {
        let before = self.out.len();
        self.gather_frames();
        if let Stage::Open(hold) = &self.stage
            && self.out.len() > before
        {
            hold.owner.writable();
        }
    }

    fn gather_frames(&mut self) {
        let Stage::Open(hold) = &self.stage else { return };
        let (carrier, out) = (hold.carrier, &mut self.out);
        if out.capacity() == 0 {
            *out = SPARE.take();
        }
        let mut bytes: usize = out.iter().map(Bytes::len).sum();
        if out.len() >= GATHER_FRAMES || bytes >= GATHER_BYTES {
            return;
        }
        // All in one visit: the lock, the clock and what follows each visit would cost as much as the frame.
        let end = attend(&hold.owner, carrier, |session, now| {
            session.handle_timeout(now);
            loop {
                match session.poll_transmit(now, carrier) {
                    Transmit::Frame { frame, .. } => {
                        bytes += frame.len();
                        out.push_back(frame.into_wire());
                        if out.len() >= GATHER_FRAMES || bytes >= GATHER_BYTES {
                            return Transmit::Pending;
                        }
                    }
                    end => return end,
                }
            }
        });
        match end {
            Transmit::Pending | Transmit::Frame { .. } => {}
            Transmit::Close(_) if hold.owner.farewell() == Farewell::HangUp => self.hang_up(),
            Transmit::Close(close) => self.say_close(&close),
            Transmit::Fenced => self.start_close(&Close::because(CloseCode::TAKEN_OVER, "taken over")),
        }
    }

    /// The session is over: its framing may have a word for that, which the WebSocket's close then follows.
    fn say_close(&mut self, close: &Close) {
        match self.settings.framing {
            Framing::Plain => self.start_close(close),
            Framing::SockJs => {
                self.out.push_back(sockjs::close(close).wire().clone());
                self.start_close(&Close::because(CloseCode::NORMAL, "Normal closure"));
            }
        }
    }

    /// Ends the connection without a close frame, once what is queued is written.
    fn hang_up(&mut self) {
        self.stage = Stage::Failed;
        self.deadline = Some(now() + CLOSE_WAIT);
    }

    /// Queues a close and gives the peer a while to answer it.
    fn start_close(&mut self, close: &Close) {
        self.out.push_back(Frame::close(Some(close)).wire().clone());
        self.stage = Stage::Closing;
        self.deadline = Some(now() + CLOSE_WAIT);
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(self.poll_write_once(context))?;
            if written == 0 {
                return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        SPARE.set(std::mem::take(&mut self.out));
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_write_once(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let io = Pin::new(&mut self.io);
        // A broadcast is one frame to each, which needs no list of frames.
        if let (1, Some(frame)) = (self.out.len(), self.out.front()) {
            return io.poll_write(context, frame);
        }
        let mut slices = [IoSlice::new(&[]); GATHER_FRAMES];
        let count = self.out.len().min(GATHER_FRAMES);
        for (slice, frame) in slices.iter_mut().zip(&self.out) {
            *slice = IoSlice::new(frame);
        }
        io.poll_write_vectored(context, &slices[..count])
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(front) = self.out.front_mut() {
            if written < front.len() {
                *front = front.slice(written..);
                return;
            }
            written -= front.len();
            self.out.pop_front();
        }
    }

    /// Reads once, unless the session's inbox is full: then TCP holds the peer back.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Go> {
        if let Stage::Open(hold) = &self.stage
            && hold.owner.cell().look(tsugi_proto::Session::inbox_is_full)
        {
            self.left_unread = true;
            return Poll::Pending;
        }
        let messages = ready!(SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            match ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => Poll::Ready(Some(self.take(buffer.filled_mut()))),
                _ => Poll::Ready(None),
            }
        }));
        // The owner runs the application's code: not while the scratch buffer is lent out.
        match (messages, &self.stage) {
            (None, _) => return Poll::Ready(Go::End),
            (Some(true), Stage::Open(hold)) => Arc::clone(&hold.owner).readable(),
            _ => {}
        }
        Poll::Ready(Go::On)
    }

    /// Decodes what was read and hands it on. Whether a message was queued.
    fn take(&mut self, mut input: &mut [u8]) -> bool {
        let mut messages = false;
        loop {
            match self.decode(&mut input, &mut messages) {
                Ok(None) => break,
                Ok(Some(incoming)) => messages |= self.handle(incoming),
                Err(error) => {
                    if matches!(self.stage, Stage::Greeting(_) | Stage::Open(_)) {
                        tracing::debug!(target: "tsugi", %error, "a WebSocket peer broke the protocol");
                        self.fail(&error.close());
                    }
                    break;
                }
            }
        }
        messages
    }

    /// The next thing received that is more than a message in a frame. Such messages go to the session, all in one visit.
    fn decode(&mut self, input: &mut &mut [u8], messages: &mut bool) -> Result<Option<Incoming>, ProtocolError> {
        let (Stage::Open(hold), Framing::Plain) = (&self.stage, self.settings.framing) else {
            return self.decoder.decode(input);
        };
        carry(&hold.owner, |session, now| {
            loop {
                match self.decoder.decode(input) {
                    Ok(Some(Incoming::Message(message))) => session.handle_message(now, hold.carrier, message),
                    other => return other,
                }
                *messages = true;
            }
        })
    }

    /// Whether a message was queued.
    fn handle(&mut self, incoming: Incoming) -> bool {
        match (&self.stage, incoming) {
            (Stage::Open(_), Incoming::Message(frame)) => self.receive(&frame),
            (Stage::Greeting(_), Incoming::Message(message)) => {
                self.greet(message);
                false
            }
            (Stage::Greeting(_) | Stage::Open(_), Incoming::Ping(payload)) => {
                self.heard();
                // Bounded: a peer that pings without reading is not answered more often than it reads.
                if self.out.len() < GATHER_FRAMES {
                    self.out.push_back(Frame::pong(&payload).wire().clone());
                }
                false
            }
            (_, Incoming::Pong(_)) => {
                self.heard();
                false
            }
            (Stage::Greeting(_) | Stage::Open(_), Incoming::Close(close)) => {
                self.answer_close(close);
                false
            }
            (Stage::Closing, Incoming::Close(_)) => {
                self.stage = Stage::Done;
                false
            }
            (Stage::Closing | Stage::Failed | Stage::HungUp | Stage::Done, _) => false,
        }
    }

    /// Hands on the messages that a frame of SockJS holds. Whether there were any.
    fn receive(&mut self, frame: &Message) -> bool {
        let Stage::Open(hold) = &self.stage else { return false };
        match sockjs::read_frame(frame) {
            Ok(messages) => {
                let any = !messages.is_empty();
                carry(&hold.owner, |session, now| {
                    session.handle_heard(now, hold.carrier);
                    messages.into_iter().for_each(|message| session.handle_message(now, hold.carrier, message));
                });
                any
            }
            Err(error) => {
                tracing::debug!(target: "tsugi", %error, "a SockJS client sent no array of strings");
                self.fail(&Close::because(CloseCode::SOCKJS_BROKEN, "Broken framing."));
                false
            }
        }
    }

    fn heard(&self) {
        if let Stage::Open(hold) = &self.stage {
            carry(&hold.owner, |session, now| session.handle_heard(now, hold.carrier));
        }
    }

    fn greet(&mut self, first: Message) {
        let Stage::Greeting(greeter) = &self.stage else { return };
        match greeter.greet(first) {
            Ok((owner, carrier)) => {
                self.stage = Stage::Open(Hold { owner, carrier });
                self.deadline = None;
                self.place = None;
            }
            Err(close) => self.start_close(&close),
        }
    }

    /// The peer closes: unread messages are still delivered first, then the session learns of it.
    fn answer_close(&mut self, close: Option<Close>) {
        self.out.push_back(Frame::close(close.as_ref()).wire().clone());
        self.deadline = Some(now() + CLOSE_WAIT);
        if let Stage::Open(hold) = std::mem::replace(&mut self.stage, Stage::Done) {
            let after = self.settings.after_close;
            carry(&hold.owner, |session, now| session.handle_close(now, hold.carrier, close, after));
            // What came in the same read was queued before the close.
            Arc::clone(&hold.owner).readable();
        }
    }

    /// The peer broke the WebSocket protocol: a plain socket ends with the code, an event session loses its carrier.
    fn fail(&mut self, close: &Close) {
        if let Stage::Open(hold) = &self.stage
            && self.settings.after_close == AfterClose::End
        {
            carry(&hold.owner, |session, _| session.handle_failure(hold.carrier, close.clone()));
        }
        self.start_close(close);
        self.stage = Stage::Failed;
    }

    /// Sleeps until the session's next timer or the stage's deadline.
    fn poll_sleep(&mut self, context: &mut Context<'_>, idle: Idle) -> Poll<Go> {
        let until = match &self.stage {
            Stage::Open(hold) => {
                match park(&hold.owner, hold.carrier, context.waker(), idle) {
                    Parked::Again => return Poll::Ready(Go::On),
                    // While a write is pending, a session that is over cannot say so: it gets a while, then the end.
                    Parked::Fenced | Parked::Until { is_closing: true, .. } if !idle.can_write => {
                        Some(*self.deadline.get_or_insert_with(|| now() + CLOSE_WAIT))
                    }
                    Parked::Fenced => return Poll::Ready(Go::On),
                    Parked::Until { at, .. } => at,
                }
            }
            _ => self.deadline,
        };
        let Some(until) = until else { return Poll::Pending };
        // Most wakes are no timer's and change none: then the sleep goes on as it is, and still knows this task.
        let sleeps = self.sleep.deadline() == until && until > now() && !self.sleep.is_elapsed();
        if sleeps {
            return Poll::Pending;
        }
        self.sleep.as_mut().reset(until);
        ready!(self.sleep.as_mut().poll(context));
        if self.deadline.is_some_and(|deadline| deadline <= now()) {
            return Poll::Ready(self.overdue());
        }
        // A timer of the session is due. It is seen to here too when a pending write keeps `gather` from doing so.
        if let Stage::Open(hold) = &self.stage {
            carry(&hold.owner, |session, now| session.handle_timeout(now));
        }
        Poll::Ready(Go::On)
    }

    fn overdue(&mut self) -> Go {
        if matches!(self.stage, Stage::Greeting(_)) {
            self.start_close(&Close::because(CloseCode::NO_HELLO, "no hello in time"));
            return Go::On;
        }
        Go::End
    }
}

enum Go {
    On,
    End,
}
