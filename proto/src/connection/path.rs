//! Which transport to try, and when to try a better one: docs/wire.md, "A client's timing".

use crate::session::Transport;
use std::time::Duration;

const CLIMB: Duration = Duration::from_secs(30);
const CLIMB_CAP: Duration = Duration::from_secs(300);
/// So many WebSockets cut young, one after another, and polling is tried.
const YOUNG_DEATHS: u32 = 3;

/// The transports that a connection may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paths {
    /// A WebSocket, and long-polling where there is no way for one.
    #[default]
    Both,
    /// A WebSocket or nothing.
    WebSocket,
    /// Long-polling only.
    Poll,
}

/// What was learnt about WebSockets on the way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They work, or nothing is known yet.
    Fine,
    /// [`Paths::Poll`] leaves them out.
    Unavailable,
    /// The upgrade fails: refused by a proxy or the server.
    Refused,
    /// The upgrade succeeds, or seems to, and then nothing comes.
    Mute,
    /// They open, but are cut within seconds, again and again.
    Unstable,
}

/// What was learnt, and what follows from it.
#[derive(Debug)]
pub(super) struct PathManager {
    allowed: Paths,
    verdict: Verdict,
    failed_climbs: u32,
    young_deaths: u32,
}

impl PathManager {
    pub(super) fn new(allowed: Paths) -> Self {
        let verdict = if allowed == Paths::Poll { Verdict::Unavailable } else { Verdict::Fine };
        Self { allowed, verdict, failed_climbs: 0, young_deaths: 0 }
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.verdict
    }

    pub(super) fn allows(&self, transport: Transport) -> bool {
        match transport {
            Transport::WebSocket => self.allowed != Paths::Poll,
            Transport::Poll => self.allowed != Paths::WebSocket,
        }
    }

    /// What an attempt begins with.
    pub(super) fn first(&self) -> Transport {
        let websocket = self.verdict == Verdict::Fine || !self.allows(Transport::Poll);
        if websocket && self.allows(Transport::WebSocket) { Transport::WebSocket } else { Transport::Poll }
    }

    /// A WebSocket was given up before it carried anything.
    pub(super) fn websocket_failed(&mut self, verdict: Verdict) {
        self.verdict = verdict;
    }

    pub(super) fn websocket_opened(&mut self) {
        self.verdict = Verdict::Fine;
    }

    /// An open WebSocket was lost, before or after it was open long enough to be trusted.
    pub(super) fn websocket_lost(&mut self, age: Age) {
        self.young_deaths = if age == Age::Young { self.young_deaths + 1 } else { 0 };
        if self.young_deaths >= YOUNG_DEATHS && self.allows(Transport::Poll) {
            self.verdict = Verdict::Unstable;
        }
    }

    /// One was open long enough to be trusted.
    pub(super) fn websocket_proved(&mut self) {
        self.young_deaths = 0;
        self.failed_climbs = 0;
    }

    /// Polling failed too: that says more of the network than of WebSockets, so begin with one again.
    pub(super) fn poll_failed(&mut self) {
        self.young_deaths = 0;
        if self.allows(Transport::WebSocket) {
            self.verdict = Verdict::Fine;
        }
    }

    /// While polling: how long until the next WebSocket is tried, within ± 25 %; `None` for never.
    pub(super) fn climb_after(&self, random: f64) -> Option<Duration> {
        let doubled = 2_u32.checked_pow(self.failed_climbs).and_then(|factor| CLIMB.checked_mul(factor));
        let base = doubled.map_or(CLIMB_CAP, |wait| wait.min(CLIMB_CAP));
        let jittered = base.mul_f64(0.75 + 0.5 * random.clamp(0.0, 1.0));
        self.allows(Transport::WebSocket).then_some(jittered)
    }

    pub(super) fn climb_failed(&mut self, verdict: Verdict) {
        self.failed_climbs = self.failed_climbs.saturating_add(1);
        self.verdict = verdict;
    }

    /// The network is another one: what was learnt may be wrong.
    pub(super) fn network_changed(&mut self) {
        self.failed_climbs = 0;
        self.young_deaths = 0;
    }
}

/// Whether a connection was open long enough to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Young,
    Proved,
}
