//! A streaming response as a carrier: one chunk a frame, until it has carried so many bytes.

use super::Hold;
use crate::session::{Idle, Parked, carry, park};
use bytes::Bytes;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Sleep;
use tsugi_proto::framing::envelope::Envelope;
use tsugi_proto::framing::sockjs;
use tsugi_proto::session::Transmit;
use tsugi_proto::{Close, CloseCode, Frame};

/// The body of a response that streams. Dropped when the client goes away, which tells the session that its carrier is
/// lost; one that ended by itself has let go of its session before.
pub(crate) struct Stream {
    /// Goes out before anything of the session: the prelude.
    chunks: VecDeque<Bytes>,
    hold: Option<Hold>,
    envelope: Envelope,
    /// Bytes of frames, wrapped, that this response may still carry. It ends with the frame that uses them up.
    left: usize,
    sleep: Pin<Box<Sleep>>,
}

impl Stream {
    /// Carries frames of a session until `limit` bytes have gone out.
    pub(crate) fn new(hold: Hold, envelope: Envelope, prelude: Bytes, limit: usize) -> Self {
        Self { hold: Some(hold), left: limit, ..Self::farewell(envelope, prelude, None) }
    }

    /// Carries one frame that belongs to no session, and ends.
    pub(crate) fn farewell(envelope: Envelope, prelude: Bytes, frame: Option<&Frame>) -> Self {
        let wrapped = frame.map(|frame| wrap(&envelope, frame));
        let chunks = [prelude].into_iter().chain(wrapped).collect();
        let sleep = Box::pin(tokio::time::sleep(std::time::Duration::ZERO));
        Self { chunks, hold: None, envelope, left: 0, sleep }
    }

    /// The next chunk; `None` at the end.
    pub(crate) fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(chunk) = self.chunks.pop_front() {
            return Poll::Ready(Some(chunk));
        }
        while let Some(hold) = &self.hold {
            let transmit = carry(&hold.owner, |session, now| {
                session.handle_timeout(now);
                session.poll_transmit(now, hold.carrier)
            });
            match transmit {
                Transmit::Frame { frame, .. } => return Poll::Ready(Some(self.carry(&frame))),
                Transmit::Close(close) => return Poll::Ready(Some(self.end(&close))),
                Transmit::Fenced => {
                    let close = Close::because(CloseCode::SOCKJS_INTERRUPTED, "Connection interrupted");
                    return Poll::Ready(Some(self.end(&close)));
                }
                Transmit::Pending => {}
            }
            let idle = Idle { can_write: true, left_unread: false };
            match park(&hold.owner, hold.carrier, context.waker(), idle) {
                Parked::Fenced | Parked::Again => {}
                Parked::Until { at: None, .. } => return Poll::Pending,
                Parked::Until { at: Some(at), .. } => {
                    self.sleep.as_mut().reset(at);
                    if self.sleep.as_mut().poll(context).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
        Poll::Ready(None)
    }

    /// One frame. With the last that this response may carry, the session is let go of at once: the client asks again as
    /// soon as it has seen the end, and must not find the session taken.
    fn carry(&mut self, frame: &Frame) -> Bytes {
        let chunk = wrap(&self.envelope, frame);
        self.left = self.left.saturating_sub(chunk.len());
        if let Some(hold) = &self.hold {
            hold.owner.writable();
            if self.left == 0 {
                carry(&hold.owner, |session, now| session.finish(now, hold.carrier));
                self.hold = None;
            }
        }
        chunk
    }

    fn end(&mut self, close: &Close) -> Bytes {
        self.hold = None;
        wrap(&self.envelope, &sockjs::close(close))
    }
}

/// A frame as one chunk of a response.
pub(crate) fn wrap(envelope: &Envelope, frame: &Frame) -> Bytes {
    // SockJS frames are made of text, so the fallback is never taken.
    envelope.wrap(std::str::from_utf8(&frame.payload()).unwrap_or_default())
}
