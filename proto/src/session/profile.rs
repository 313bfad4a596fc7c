//! What a session is told of itself and of its carriers.

use super::Session;
use crate::close::Close;
use crate::framing::Frame;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Makes one frame of several events. `Session` knows no codec; it is given one of these.
pub trait Joiner: Send + Sync + fmt::Debug {
    /// The frame of a batch of these bodies ([`body`](super::EncodedEvent::body)), in order.
    fn join(&self, bodies: &[Bytes]) -> Frame;
}

/// How users would call the carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// A WebSocket.
    WebSocket,
    /// Long-polling.
    Poll,
}

/// How much one carrier can take before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// No limit: a WebSocket.
    Unlimited,
    /// One frame: a Sente client's poll.
    One,
    /// Everything that waits, until about so many bytes: a Tsugi client's poll.
    Bytes(usize),
}

/// When a heartbeat is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rhythm {
    /// So long after the peer was heard last.
    #[default]
    AfterSilence,
    /// At the end of a window in which nothing was heard. The time for an answer is a window too.
    WhenIdle,
    /// At the end of every window: for peers that wait for heartbeats themselves.
    Always,
}

/// What the loss of a carrier means: it broke, or the peer went away without a close.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterLoss {
    /// The session waits for another carrier, as long as [`Config::expire`] says.
    #[default]
    Wait,
    /// The session is over.
    End,
}

/// How a carrier is kept alive.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// The silence or the window; the first begins with the carrier.
    pub every: Duration,
    /// Whether it is sent although the peer was heard.
    pub rhythm: Rhythm,
    /// How long the peer may take to be heard of after that; `None` waits for ever.
    pub timeout: Option<Duration>,
    /// What is sent. At least one frame.
    pub frames: Vec<Frame>,
    /// How the session's carrier is closed when the peer is not heard of in time.
    pub close: Close,
}

/// What a session must know of one kind of carrier. Shared by all carriers of that kind.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its kind, for presence.
    pub transport: Transport,
    /// How much it can take.
    pub capacity: Capacity,
    /// How it is kept alive; `None` never is.
    pub heartbeat: Option<Heartbeat>,
    /// How long an event may wait for others. Zero gathers only while the carrier cannot write.
    pub window: Duration,
    /// How long after this carrier is gone the peer counts as offline, unless it comes back.
    pub grace: Duration,
    /// What it means when this carrier is lost.
    pub after_loss: AfterLoss,
}

/// What holds for all carriers of a session. Shared by all sessions of a kind.
#[derive(Clone, Debug)]
pub struct Config {
    /// The most items that may wait to be sent.
    pub max_queue_items: usize,
    /// The most bytes that may wait to be sent.
    pub max_queue_bytes: usize,
    /// The most messages that may wait to be handled. A carrier stops reading at this bound.
    pub max_inbox: usize,
    /// How long after its carrier is gone a session lives on; at least the profile's grace.
    pub expire: Duration,
    /// Makes batches.
    pub joiner: Arc<dyn Joiner>,
}

impl Session {
    /// From now on the session is as `config` says and its carrier as `profile` does: its peer speaks otherwise than it was
    /// taken to. Timers that run are kept.
    pub fn reconfigure(&mut self, config: Arc<Config>, profile: impl FnOnce(Transport) -> Arc<Profile>) {
        self.config = config;
        if let Some(attached) = &mut self.attached {
            attached.profile = profile(attached.profile.transport);
        }
    }
}
