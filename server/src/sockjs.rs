//! Events over SockJS: what a session of that kind is to the event server (docs/sockjs.md).

use crate::core::{Core, Who};
use crate::error::{ConfigError, Refusal};
use crate::identity::{ClientId, SessionId};
use crate::kit::{Kit, Protocol};
use crate::peer::{Gate, Peer, handshake};
use crate::service::guard::{Admitted, Csrf, Guard};
use crate::service::sockjs::{Begin, Opener};
use crate::session::{Cell, Owner};
use http::StatusCode;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio_util::task::TaskTracker;
use tsugi_proto::Value;
use tsugi_proto::codec::Form;
use tsugi_proto::framing::sockjs::SockJsJoiner;
use tsugi_proto::session::Config;

/// Opens sessions that speak events.
pub(crate) struct EventOpener {
    core: Arc<Core>,
    /// The codec of clients that choose none.
    codec: &'static str,
}

impl EventOpener {
    /// JSON for those that choose no codec, since nothing must be loaded for it; else the first that writes text. Where there
    /// is none, every request is a 400.
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let texts = || core.kits.iter().map(|kit| &kit.codec).filter(|codec| codec.form() == Form::Text);
        let json = texts().find(|codec| codec.name() == "json");
        let codec = json.or_else(|| texts().next()).map_or("", |codec| codec.name());
        Self { core, codec }
    }

    /// For those who are told of it when they make the service.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.codec.is_empty() { Err(ConfigError::NoTextCodec) } else { Ok(()) }
    }

    /// Who opens the session. A client that does not name itself gets a name that nobody else has.
    fn who(&self, admitted: &Admitted) -> Result<Who, Refusal> {
        let client = match admitted.request.client_id() {
            Some(client) => client.clone(),
            None => {
                let random = SessionId::random(self.core.node, self.core.epoch).map_err(|error| error.to_string());
                let named = random.and_then(|id| ClientId::new(id.to_text()).map_err(|error| error.to_string()));
                named.map_err(|error| {
                    tracing::error!(target: "tsugi", error, "a client could not be given a name");
                    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "No random numbers")
                })?
            }
        };
        Ok(Who {
            user: admitted.identity.user.clone(),
            client,
            extensions: admitted.identity.extensions.clone(),
            address: self.core.config.hooks.address.as_ref().and_then(|address| address(&admitted.request)),
        })
    }
}

impl Opener for EventOpener {
    fn guard(&self) -> &Arc<Guard> {
        &self.core.guard
    }

    fn tasks(&self) -> &TaskTracker {
        &self.core.tasks
    }

    fn max_message(&self) -> usize {
        self.core.config.limits.max_message
    }

    fn session(&self, expire: Duration) -> Arc<Config> {
        let limits = &self.core.config.limits;
        Arc::new(Config {
            max_queue_items: limits.max_queue_items,
            max_queue_bytes: limits.max_queue_bytes,
            max_inbox: limits.max_inbox,
            expire,
            joiner: Arc::new(SockJsJoiner),
        })
    }

    fn open(self: Arc<Self>, admitted: Admitted, begin: Begin) -> Result<Arc<dyn Owner>, Refusal> {
        let core = &self.core;
        let named = admitted.request.param("codec").unwrap_or(self.codec);
        let index =
            Kit::named(&core.kits, begin.framing, named).ok_or_else(|| Kit::unknown(&core.kits, begin.framing))?;
        let kit = &core.kits[index];
        let data = (core.config.hooks.handshake_data)(&admitted.request);
        let handshake = handshake(kit, admitted.identity.id(), data, None);
        let handshake = kit.codec.encode(&handshake, &Value::Nil).map_err(|error| {
            tracing::error!(target: "tsugi", %error, "a handshake could not be written");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "The handshake could not be written")
        })?;
        let mut cell = Cell::new(core.clock, Arc::clone(&core.wheel), begin.config).registered(begin.place);
        let gate = match &admitted.csrf {
            Csrf::InHello(csrf) => Some(Gate { csrf: csrf.clone(), handshake }),
            Csrf::Settled => {
                cell = cell.begin_with(kit.item(&handshake));
                None
            }
        };
        let gated = gate.is_some();
        let peer = core.begin_in(cell, Protocol::SockJs, index, self.who(&admitted)?, gate)?;
        if gated {
            expect_hello(core, &peer);
        }
        Ok(peer)
    }
}

/// Gives a client that must prove itself as long as any other to say hello.
fn expect_hello(core: &Core, peer: &Arc<Peer>) {
    let peer: Weak<Peer> = Arc::downgrade(peer);
    let within = core.config.times.handshake;
    // Ends with its sleep, or with the runtime; it keeps no session alive.
    tokio::spawn(async move {
        tokio::time::sleep(within).await;
        if let Some(peer) = peer.upgrade() {
            peer.check_gate();
        }
    });
}
