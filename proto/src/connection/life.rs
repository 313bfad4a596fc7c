//! Connecting, and losing it.

use super::Connection;
use super::backoff::{CAP, backoff};
use super::carrier::{Carrier, Link, Phase};
use super::outbox::Which;
use super::output::Path;
use super::path::{Age, Verdict};
use super::reply::RequestError;
use super::state::{Loss, Open, Outcome, Reason, State};
use crate::close::{Close, CloseCode};
use crate::session::Transport;
use crate::time::Instant;
use std::time::Duration;

/// After so long the connection counts as good, and the next loss as a first one.
const GOOD: Duration = Duration::from_secs(5);
/// Broken rules in a row, after which nothing is tried any more.
const MAX_VIOLATIONS: u32 = 3;

impl Connection {
    pub(super) fn connect(&mut self, now: Instant) {
        self.retry_at = None;
        self.try_transport(now, self.paths.first());
    }

    fn try_transport(&mut self, now: Instant, transport: Transport) {
        self.change(State::Connecting { transport, attempt: self.attempts });
        self.candidate = Some(Carrier::open(&mut self.desk, now, transport));
    }

    /// The server has taken the candidate: from now on events travel on it.
    pub(super) fn adopt(&mut self, now: Instant, outcome: Outcome) {
        let Some(mut carrier) = self.candidate.take() else { return };
        if let Some(mut before) = self.live.take() {
            before.release(&mut self.desk, Close::because(CloseCode::NORMAL, "taken over"));
        }
        self.note_good(now);
        self.opened_at = now;
        let path = carrier.path();
        if path.transport() == Transport::WebSocket {
            self.paths.websocket_opened();
        }
        carrier.begin(&mut self.desk, now, self.ledger.acknowledge());
        self.live = Some(carrier);
        self.pump(now);
        self.change(self.open_state(path.transport(), outcome));
        self.plan_climb(now);
    }

    // Climbing from a poll to a WebSocket.

    fn plan_climb(&mut self, now: Instant) {
        self.climb_at = None;
        if self.may_climb() {
            let random = self.dice.roll();
            self.climb_at = self.paths.climb_after(random).map(|wait| now + wait);
        }
    }

    /// Two carriers of one client are two clients to plain Sente: events would come twice.
    fn may_climb(&self) -> bool {
        let polling = self.live.as_ref().is_some_and(|live| matches!(live.link, Link::Poll(_)));
        polling && self.candidate.is_none() && self.desk.terms.session.is_some()
    }

    pub(super) fn climb(&mut self, now: Instant) {
        self.climb_at = None;
        if self.may_climb() && self.paths.allows(Transport::WebSocket) {
            self.candidate = Some(Carrier::open(&mut self.desk, now, Transport::WebSocket));
        }
    }

    // Losing it.

    /// Ends a carrier, and says so.
    pub(super) fn fail(&mut self, now: Instant, path: Path, loss: Loss) {
        let close = match loss.code {
            Some(CloseCode::PING_TIMEOUT) => Close::because(CloseCode::PING_TIMEOUT, "no answer to a ping"),
            _ => Close::because(CloseCode::NORMAL, ""),
        };
        let carrier = [&mut self.live, &mut self.candidate].into_iter().flatten().find(|it| it.path() == path);
        if let Some(carrier) = carrier {
            carrier.release(&mut self.desk, close);
        }
        self.lost(now, path, loss);
    }

    pub(super) fn lost(&mut self, now: Instant, path: Path, loss: Loss) {
        if self.live.as_ref().is_some_and(|live| live.path() == path) {
            self.live_lost(now, loss);
        } else if self.candidate.as_ref().is_some_and(|candidate| candidate.path() == path) {
            self.candidate_lost(now, loss);
        }
    }

    fn candidate_lost(&mut self, now: Instant, loss: Loss) {
        let Some(candidate) = self.candidate.take() else { return };
        let websocket = candidate.path().transport() == Transport::WebSocket;
        let verdict = if loss.reason == Reason::Timeout { Verdict::Mute } else { Verdict::Refused };
        if self.live.is_some() {
            return self.climb_lost(now, verdict);
        }
        let spoke = candidate.phase != Phase::Handshake;
        if websocket && !spoke && self.paths.allows(Transport::Poll) && !loss.is_final() {
            self.paths.websocket_failed(verdict);
            return self.try_transport(now, Transport::Poll);
        }
        if !websocket {
            self.paths.poll_failed();
        }
        self.failed(now, loss);
    }

    fn climb_lost(&mut self, now: Instant, verdict: Verdict) {
        self.paths.climb_failed(verdict);
        if let Some(Carrier { link: Link::Poll(poll), .. }) = &mut self.live {
            poll.resume(&mut self.desk, now, self.ledger.acknowledge());
        }
        self.pump(now);
        self.plan_climb(now);
    }

    fn live_lost(&mut self, now: Instant, loss: Loss) {
        self.climb_at = None;
        let Some(carrier) = self.live.take() else { return };
        if let Some(mut candidate) = self.candidate.take() {
            candidate.release(&mut self.desk, Close::because(CloseCode::NORMAL, ""));
        }
        if carrier.path().transport() == Transport::WebSocket {
            self.paths.websocket_lost(self.age(now));
        }
        self.note_good(now);
        if self.desk.terms.session.is_none() {
            self.fail_given();
        }
        match carrier.slot {
            Some(slot) if !loss.is_final() => {
                self.wait(now + slot, Loss { reason: Reason::Busy, ..loss });
            }
            _ => self.failed(now, loss),
        }
    }

    fn age(&self, now: Instant) -> Age {
        if now.since(self.opened_at) < GOOD { Age::Young } else { Age::Proved }
    }

    fn note_good(&mut self, now: Instant) {
        let State::Open(Open { transport, .. }) = self.state else { return };
        if self.age(now) == Age::Proved {
            self.attempts = 0;
            self.violations = 0;
            if transport == Transport::WebSocket {
                self.paths.websocket_proved();
            }
        }
    }

    fn failed(&mut self, now: Instant, loss: Loss) {
        self.violations += u32::from(loss.is_violation());
        if loss.is_final() || self.violations >= MAX_VIOLATIONS { self.end(loss) } else { self.retry(now, loss) }
    }

    fn retry(&mut self, now: Instant, loss: Loss) {
        let wait = if self.offline || self.hidden { CAP } else { backoff(self.attempts, self.dice.roll()) };
        let until = now + wait + loss.retry_after.unwrap_or_default();
        self.attempts = self.attempts.saturating_add(1);
        self.wait(until, loss);
    }

    fn wait(&mut self, until: Instant, loss: Loss) {
        self.retry_at = Some(until);
        self.change(State::Waiting { until, attempt: self.attempts, loss });
    }

    pub(super) fn end(&mut self, loss: Loss) {
        self.let_go(&Close::because(CloseCode::NORMAL, ""));
        self.change(State::Closed(loss));
        self.fail_all(Which::All, &RequestError::Closed);
    }

    /// Lets go of everything that could connect or carry. The session may be resumed.
    pub(super) fn let_go(&mut self, close: &Close) {
        self.retry_at = None;
        self.climb_at = None;
        if let Some(mut candidate) = self.candidate.take() {
            candidate.release(&mut self.desk, close.clone());
        }
        if let Some(mut live) = self.live.take() {
            live.release(&mut self.desk, close.clone());
        }
    }

    /// Without a session nothing that was sent will be answered.
    pub(super) fn fail_given(&mut self) {
        self.fail_all(Which::Given, &RequestError::Disconnected);
    }

    pub(super) fn fail_all(&mut self, which: Which, error: &RequestError) {
        for item in self.outbox.all(which) {
            self.settle(item, Err(error.clone()));
        }
    }
}
