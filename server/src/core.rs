//! What all peers of one server share, and how sessions are made and found.

use crate::broker::Broker;
use crate::config::Config;
use crate::error::Refusal;
use crate::handler::Context;
use crate::hub::{Hub, Removed};
use crate::identity::{ClientId, SessionId, UserId};
use crate::kit::{Kit, Protocol};
use crate::metrics::Counters;
use crate::outbox::Outboxes;
use crate::peer::{Gate, Peer};
use crate::router::Router;
use crate::service::guard::Guard;
use crate::session::{Cell, Clock, Wheel};
use crate::topics::Topics;
use crate::users::Users;
use http::StatusCode;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

/// One server. Held by its handles, its endpoint and its peers.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) kits: Vec<Kit>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) clock: Clock,
    pub(crate) wheel: Arc<Wheel>,
    pub(crate) tasks: TaskTracker,
    pub(crate) router: Router<()>,
    pub(crate) hub: Hub,
    pub(crate) users: Users,
    pub(crate) topics: Topics,
    pub(crate) counters: Counters,
    pub(crate) outboxes: Outboxes,
    pub(crate) broker: Arc<dyn Broker>,
    /// Told when some client's full inbox has room again, for whoever waits with a POST of it. One for all: few wait.
    pub(crate) room: Notify,
    /// This node's number, part of every session id.
    pub(crate) node: u32,
    /// Random at each start; part of every session id, by which a session of an earlier start is known.
    pub(crate) epoch: u32,
    numbers: AtomicU64,
    /// Sessions by address. One lock: it is taken once when a session begins and once when it ends.
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// What a new core is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) kits: Vec<Kit>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) router: Router<()>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) node: u32,
    pub(crate) epoch: u32,
}

/// What most identities bring with them.
static NOTHING: LazyLock<Arc<http::Extensions>> = LazyLock::new(Arc::default);

/// The most topics of one server.
const MAX_TOPICS: usize = 1_000_000;

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { config, kits, guard, router, broker, node, epoch } = parts;
        Self {
            topics: Topics::new(config.limits.max_topics, MAX_TOPICS),
            config,
            kits,
            guard,
            clock: Clock::start(),
            wheel: Arc::default(),
            tasks: TaskTracker::new(),
            router,
            hub: Hub::default(),
            counters: Counters::default(),
            outboxes: Outboxes::default(),
            users: Users::new(),
            broker,
            room: Notify::new(),
            node,
            epoch,
            numbers: AtomicU64::new(1),
            addresses: Mutex::default(),
        }
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Begins a session, unless there are too many.
    pub(crate) fn begin(self: &Arc<Self>, protocol: Protocol, kit: usize, who: Who) -> Result<Arc<Peer>, Refusal> {
        let cell = Cell::new(self.clock, Arc::clone(&self.wheel), Arc::clone(&self.kits[kit].session));
        self.begin_in(cell, protocol, kit, who, None)
    }

    /// As [`Core::begin`], with a session that was made elsewhere. With a gate, nothing comes in or goes out before the
    /// client's hello.
    pub(crate) fn begin_in(
        self: &Arc<Self>,
        cell: Cell,
        protocol: Protocol,
        kit: usize,
        who: Who,
        gate: Option<Gate>,
    ) -> Result<Arc<Peer>, Refusal> {
        let limits = &self.config.limits;
        if self.hub.count() >= limits.max_sessions {
            return Err(self.guard.busy("Too many sessions"));
        }
        if who.user.as_ref().is_some_and(|user| self.hub.count_of(user) >= limits.max_sessions_per_user) {
            return Err(self.guard.busy("Too many sessions of this user"));
        }
        let address = who.address;
        let context = self.context(who)?;
        if let Some(address) = address {
            self.count_address(address)?;
        }
        let peer = Peer::new(self, cell, protocol, kit, context, address, gate);
        self.topics.open(peer.number);
        self.hub.insert(&peer);
        self.counters.opened.add(1);
        Ok(peer)
    }

    /// A peer without a session, for a POST that comes alone. It is nowhere registered and goes with its last handler.
    pub(crate) fn passing(self: &Arc<Self>, protocol: Protocol, kit: usize, who: Who) -> Result<Arc<Peer>, Refusal> {
        let cell = Cell::new(self.clock, Arc::clone(&self.wheel), Arc::clone(&self.kits[kit].session));
        Ok(Peer::new(self, cell, protocol, kit, self.context(who)?, None, None))
    }

    fn context(self: &Arc<Self>, who: Who) -> Result<Context, Refusal> {
        let session = SessionId::random(self.node, self.epoch).map_err(|error| {
            tracing::error!(target: "tsugi", %error, "the system gives no random numbers");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "No random numbers")
        })?;
        Ok(Context {
            user: who.user,
            client: who.client,
            session,
            extensions: if who.extensions.is_empty() { Arc::clone(&NOTHING) } else { Arc::new(who.extensions) },
            server: crate::handle::Server::new(Arc::<Self>::clone(self)),
        })
    }

    fn count_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let mut addresses = self.addresses.lock();
        let count = addresses.entry(address).or_insert(0);
        if *count >= self.config.limits.max_sessions_per_address {
            return Err(self.guard.busy("Too many sessions from this address"));
        }
        *count += 1;
        Ok(())
    }

    /// A session has ended: nothing of it stays.
    pub(crate) fn forget(&self, peer: &Arc<Peer>) {
        if self.hub.remove(peer) == Removed::Now {
            self.counters.closed.add(1);
        }
        let empty = self.topics.close(peer.number);
        if !empty.is_empty() {
            let broker = Arc::clone(&self.broker);
            // The broker may be far away. Ends when it was told; shutdown waits for it.
            self.tasks.spawn(async move {
                for topic in empty {
                    if let Err(error) = broker.unsubscribe(&topic).await {
                        tracing::debug!(target: "tsugi", %error, "the broker was not told of an empty topic");
                    }
                }
            });
        }
        if let Some(address) = peer.address {
            let mut addresses = self.addresses.lock();
            if let Some(count) = addresses.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    addresses.remove(&address);
                }
            }
        }
    }
}

/// Whose a new session is.
pub(crate) struct Who {
    pub(crate) user: Option<UserId>,
    pub(crate) client: ClientId,
    pub(crate) extensions: http::Extensions,
    pub(crate) address: Option<IpAddr>,
}
