//! What stands before a peer whose client must prove itself first.

use super::Peer;
use crate::hello::Hello;
use crate::service::guard::same_token;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tsugi_proto::packet::Received;
use tsugi_proto::{Close, CloseCode, Message};

/// Stands before a session whose client must prove itself first.
pub(crate) struct Gate {
    /// The CSRF token that its hello must bring.
    pub(crate) csrf: String,
    /// Goes out once it has.
    pub(crate) handshake: Message,
}

impl Peer {
    /// The first message of a client that must prove itself: hello with the right token opens the gate, anything else ends
    /// the session.
    pub(super) fn pass_gate(self: &Arc<Self>, received: &Received) {
        let mut work = self.work.lock();
        let given = Hello::read(self.kit(), received).and_then(|hello| hello.csrf);
        let gate = work.gate.take_if(|gate| given.is_some_and(|given| same_token(&given, &gate.csrf)));
        let Some(gate) = gate else {
            drop(work);
            tracing::info!(target: "tsugi", client = %self.client(), "hello without the right CSRF token refused");
            return self.close(Close::because(CloseCode::POLICY, "Bad CSRF token"));
        };
        let online = work.online.take();
        drop(work);
        let _ = self.send(self.kit().item(&gate.handshake));
        self.gated.store(false, Ordering::Release);
        if let Some(transport) = online {
            self.go_online(transport);
        }
    }

    /// Ends the session if the client has not proved itself until now.
    pub(crate) fn check_gate(self: &Arc<Self>) {
        if self.gated.load(Ordering::Acquire) {
            self.close(Close::because(CloseCode::NO_HELLO, "no hello in time"));
        }
    }
}
