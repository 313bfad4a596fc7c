//! One WebSocket, and what it is waiting for.

use super::output::{Desk, Output, Path};
use super::state::{Loss, Reason};
use crate::close::CloseCode;
use crate::session::Transport;
use crate::time::Instant;
use crate::value::Value;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct WebSocket {
    pub(super) path: Path,
    watch: Watch,
    at: Instant,
    heard_at: Instant,
    /// Whether anything was heard since the last ping.
    heard: bool,
}

/// What the WebSocket's one timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    Handshake,
    Welcome,
    /// Nothing heard for so long: ping.
    Silence,
    /// Nothing heard since the ping: lost.
    Answer,
}

impl WebSocket {
    pub(super) fn open(desk: &mut Desk, now: Instant) -> Self {
        let path = desk.new_path(Transport::WebSocket);
        desk.connect(path);
        let at = now + desk.config.handshake_timeout;
        Self { path, watch: Watch::Handshake, at, heard_at: now, heard: false }
    }

    pub(super) fn said_hello(&mut self, now: Instant, timeout: Duration) {
        self.watch = Watch::Welcome;
        self.at = now + timeout;
    }

    pub(super) fn begin(&mut self, desk: &Desk, now: Instant) {
        self.heard_at = now;
        self.listen(desk);
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.heard = true;
    }

    /// Asks whether anyone is there, without waiting for silence. Once is enough: asking again must not put off the end.
    pub(super) fn probe(&mut self, desk: &mut Desk, now: Instant) {
        if self.watch != Watch::Silence {
            return;
        }
        let slot = if desk.terms.session.is_some() { Value::Integer(0) } else { Value::string("000000") };
        // A codec that cannot write a bare keyword writes nothing at all, and then silence is the end, as it should be.
        if let Ok(message) = desk.packet("chsk/ws-ping", None, &slot) {
            desk.put(Output::Transmit { path: self.path, message });
        }
        self.heard = false;
        self.watch = Watch::Answer;
        self.at = now + desk.terms.ping_timeout;
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        Some(self.at)
    }

    pub(super) fn handle_timeout(&mut self, desk: &mut Desk, now: Instant) -> Result<(), Loss> {
        if self.next_timeout().is_none_or(|at| at > now) {
            return Ok(());
        }
        match self.watch {
            Watch::Handshake => Err(Loss::because(Reason::Timeout, "no handshake in time")),
            Watch::Welcome => Err(Loss::because(Reason::Timeout, "no welcome in time")),
            Watch::Answer if !self.heard => {
                let code = Some(CloseCode::PING_TIMEOUT);
                Err(Loss { code, ..Loss::because(Reason::Timeout, "no answer to a ping") })
            }
            Watch::Silence if now.since(self.heard_at) >= desk.terms.ping => {
                self.probe(desk, now);
                Ok(())
            }
            Watch::Answer | Watch::Silence => {
                self.listen(desk);
                Ok(())
            }
        }
    }

    fn listen(&mut self, desk: &Desk) {
        self.watch = Watch::Silence;
        self.at = self.heard_at + desk.terms.ping;
    }
}
