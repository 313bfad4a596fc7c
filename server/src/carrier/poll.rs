//! A held GET: an HTTP response as a carrier of limited capacity.

use super::Hold;
use crate::session::{Idle, Parked, carry, park};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Sleep;
use tsugi_proto::session::Transmit;
use tsugi_proto::{Close, Frame};

/// What a poll brought.
pub(crate) struct Brought {
    /// Frames, in order.
    pub(crate) frames: Vec<Frame>,
    /// How the poll ended.
    pub(crate) end: End,
}

/// How a poll ended.
pub(crate) enum End {
    /// With the carrier's capacity.
    Full,
    /// Another carrier has the session.
    Fenced,
    /// The session is over.
    Closed(Close),
}

/// Holds the request until the session has something to say. Dropped when the client goes away, which detaches it.
pub(crate) async fn hold(hold: Hold) -> Brought {
    let mut frames = Vec::new();
    let mut sleep = Box::pin(tokio::time::sleep(std::time::Duration::ZERO));
    let end = poll_fn(|context| poll_once(&hold, &mut frames, sleep.as_mut(), context)).await;
    Brought { frames, end }
}

fn poll_once(hold: &Hold, frames: &mut Vec<Frame>, mut sleep: Pin<&mut Sleep>, context: &mut Context<'_>) -> Poll<End> {
    loop {
        let transmit = carry(&hold.owner, |session, now| {
            session.handle_timeout(now);
            session.poll_transmit(now, hold.carrier)
        });
        match transmit {
            Transmit::Frame { frame, last } => {
                frames.push(frame);
                hold.owner.writable();
                if last {
                    return Poll::Ready(End::Full);
                }
                continue;
            }
            Transmit::Close(close) => return Poll::Ready(End::Closed(close)),
            Transmit::Fenced => return Poll::Ready(End::Fenced),
            Transmit::Pending => {}
        }
        let idle = Idle { can_write: true, left_unread: false };
        match park(&hold.owner, hold.carrier, context.waker(), idle) {
            Parked::Fenced | Parked::Again => continue,
            Parked::Until { at: None, .. } => return Poll::Pending,
            Parked::Until { at: Some(at), .. } => {
                sleep.as_mut().reset(at);
                if sleep.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
            }
        }
    }
}
