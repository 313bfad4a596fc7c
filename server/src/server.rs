//! Building a server and mounting it; what its handles can ask of it.

use crate::broker::memory::Memory;
use crate::broker::{Broker, BrokerError, Command, Delivery, Envelope, Target};
use crate::chsk::Chsk;
use crate::config::{
    Access, Config, Forwarded, Hooks, Identify, Limits, NativeClients, Origins, SockJsConfig, Times, Wire,
};
use crate::core::{Core, Parts};
use crate::error::{ConfigError, Refusal};
use crate::future::BoxFuture;
use crate::handle::{Commands, Server};
use crate::hub::{Peers, deliver};
use crate::identity::{ConnectRequest, Identity};
use crate::kit::Kit;
use crate::metrics::Metrics;
use crate::router::Router;
use crate::service::guard::Guard;
use crate::service::sockjs::SockJs;
use crate::service::{Endpoint, tower_service};
use crate::shutdown::shutdown;
use crate::sockjs::EventOpener;
use crate::topics::{Audience, SubscribeError, Topic};
use crate::users::Users;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::session::Flush;
use tsugi_proto::{Codec, Value};

/// Makes a [`Server`]. Every option has a default; [`ServerBuilder::build`] says what cannot work.
pub struct ServerBuilder {
    config: Config,
    router: Router<()>,
    broker: Arc<dyn Broker>,
    node: u32,
}

impl std::fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerBuilder").field("config", &self.config).field("node", &self.node).finish_non_exhaustive()
    }
}

impl Server {
    /// Begins a server. Finish with [`ServerBuilder::build`].
    #[must_use]
    pub fn builder() -> ServerBuilder {
        let config = Config {
            access: Access::default(),
            hooks: Hooks::default(),
            codecs: Vec::new(),
            limits: Limits::default(),
            times: Times::default(),
        };
        ServerBuilder { config, router: Router::new(), broker: Arc::new(Memory::new()), node: 0 }
    }

    /// The service to mount: GET upgrade, GET poll and POST on one path. It looks at the method and the query only.
    ///
    /// In axum: `Router::new().route_service("/chsk", server.service())`.
    #[must_use]
    pub fn service(&self) -> Service {
        Service(Arc::new(Chsk { core: self.core(), wire: Wire::Current }))
    }

    /// As [`Server::service`], on a path of its own for Sente clients of before 1.21; see docs/migrating-from-sente.md. One
    /// push reaches a user's clients of every version.
    ///
    /// ```
    /// # fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = tsugi::Server::builder().build()?;
    /// let app: axum::Router = axum::Router::new()
    ///     .route_service("/chsk", server.service())
    ///     .route_service("/old-chsk", server.service_for(tsugi::Wire::SenteV1)?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::OlderWire`] when the version is an older one, which carries text, and the server's first codec is binary.
    pub fn service_for(&self, wire: Wire) -> Result<Service, ConfigError> {
        let core = self.core();
        Kit::of_sente(&core.kits, wire).ok_or(ConfigError::OlderWire)?;
        Ok(Service(Arc::new(Chsk { core, wire })))
    }

    /// The same events for SockJS clients, with every option at its default; see [`SockJs`] and docs/sockjs.md. One push
    /// reaches a user's clients of every kind. In axum mount it with `nest_service`.
    ///
    /// ```
    /// # fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = tsugi::Server::builder().build()?;
    /// let app: axum::Router = axum::Router::new()
    ///     .route_service("/chsk", server.service())
    ///     .nest_service("/sockjs", server.sockjs());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// SockJS carries text: where every codec of the server is binary, each request is a 400. [`Server::sockjs_with`] says so
    /// when the service is made.
    #[must_use]
    pub fn sockjs(&self) -> SockJs {
        let opener = Arc::new(EventOpener::new(self.core()));
        SockJs::new(opener, SockJsConfig::default()).unwrap_or_else(|_| unreachable!("the defaults are in order"))
    }

    /// As [`Server::sockjs`], with these options. Each call makes a service with sessions of its own.
    ///
    /// # Errors
    /// When an option could never work, or none of the server's codecs writes text; the text says how to mend it.
    pub fn sockjs_with(&self, config: SockJsConfig) -> Result<SockJs, ConfigError> {
        let opener = EventOpener::new(self.core());
        opener.check()?;
        SockJs::new(Arc::new(opener), config)
    }

    /// What this node has counted since it was built; see [`Metrics`].
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let core = self.core();
        core.counters.snapshot(core.hub.count(), core.guard.refused())
    }

    /// Sessions of this node, those included that are between two connections.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.core().hub.count()
    }

    fn core(&self) -> Arc<Core> {
        // There is one implementation of `Commands`; the handle only must not know it.
        self.downcast::<Core>().unwrap_or_else(|| unreachable!("every handle is made of a core"))
    }
}

/// The tower service of a [`Server`]. Cloning it is cheap, and every clone is the same server.
#[derive(Clone)]
pub struct Service(Arc<Chsk>);

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Service")
    }
}

tower_service!(Service, |service: &Service| Arc::clone(&service.0) as Arc<dyn Endpoint>);

impl ServerBuilder {
    /// Who a request is from; an `Err` is the HTTP answer that refuses it. Called for every request: upgrade, poll and
    /// POST. Default: everybody is anonymous.
    #[must_use]
    pub fn identify<F>(mut self, identify: F) -> Self
    where
        F: Fn(&ConnectRequest) -> Result<Identity, Refusal> + Send + Sync + 'static,
    {
        self.config.hooks.identify = Identify::Now(Arc::new(identify));
        self
    }

    /// As [`ServerBuilder::identify`], for a look into a database.
    #[must_use]
    pub fn identify_async<F, Fut>(mut self, identify: F) -> Self
    where
        F: Fn(Arc<ConnectRequest>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Identity, Refusal>> + Send + 'static,
    {
        self.config.hooks.identify = Identify::Later(Arc::new(move |request| Box::pin(identify(request))));
        self
    }

    /// Requires a CSRF token. The function says which one this request must bring; `None` refuses it, since a session
    /// that was lost must not open the door. Tokens are compared in constant time.
    ///
    /// They are looked for in the parameter `csrf-token` and the headers `X-CSRF-Token` and `X-XSRF-Token`; a Tsugi
    /// WebSocket brings its token in the first message, where no log sees it. Default: none; the origin rule protects.
    #[must_use]
    pub fn csrf<F>(mut self, token: F) -> Self
    where
        F: Fn(&ConnectRequest) -> Option<String> + Send + Sync + 'static,
    {
        self.config.hooks.csrf = Some(Arc::new(token));
        self
    }

    /// Looks at each request before every other rule; a returned refusal is the answer. For blocks by address, a
    /// maintenance page, or a response of your own.
    #[must_use]
    pub fn reject<F>(mut self, reject: F) -> Self
    where
        F: Fn(&ConnectRequest) -> Option<Refusal> + Send + Sync + 'static,
    {
        self.config.hooks.reject = Some(Arc::new(reject));
        self
    }

    /// What the client is given with the handshake. Default: nothing.
    #[must_use]
    pub fn handshake_data<F>(mut self, data: F) -> Self
    where
        F: Fn(&ConnectRequest) -> Value + Send + Sync + 'static,
    {
        self.config.hooks.handshake_data = Arc::new(data);
        self
    }

    /// What the address of a request is, for [`Limits::max_sessions_per_address`]; `None` is not counted. Default: not
    /// known, because only you know whether a proxy stands in front.
    #[must_use]
    pub fn client_address<F>(mut self, address: F) -> Self
    where
        F: Fn(&ConnectRequest) -> Option<IpAddr> + Send + Sync + 'static,
    {
        self.config.hooks.address = Some(Arc::new(address));
        self
    }

    /// Which pages may connect. Default: [`Origins::Same`].
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.config.access.origins = origins;
        self
    }

    /// Pages of exactly these origins may connect, `https://chat.example` for one.
    #[must_use]
    pub fn allowed_origins<I>(self, origins: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.origins(Origins::List(origins.into_iter().map(Into::into).collect()))
    }

    /// Whether programs that send neither `Origin` nor `Referer` may connect where origins are listed. Default: no.
    #[must_use]
    pub fn native_clients(mut self, native: NativeClients) -> Self {
        self.config.access.native_clients = native;
        self
    }

    /// Hosts that may be asked for, against DNS rebinding. Default: any.
    #[must_use]
    pub fn allowed_hosts<I>(mut self, hosts: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.config.access.allowed_hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Whether a proxy in front is believed about the host. Default: no.
    #[must_use]
    pub fn forwarded(mut self, forwarded: Forwarded) -> Self {
        self.config.access.forwarded = forwarded;
        self
    }

    /// Adds a codec, such as those of [`codec`](crate::codec); some are features of this crate. The first is what plain Sente
    /// clients speak; Tsugi clients choose by name. Default, when none is added: EDN and then JSON.
    #[must_use]
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.config.codecs.push(Arc::new(codec));
        self
    }

    /// Bounds; see [`Limits`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Times; see [`Times`].
    #[must_use]
    pub fn times(mut self, times: Times) -> Self {
        self.config.times = times;
        self
    }

    /// What handles events. Default: no routes, so that every request is answered `unknown-event`.
    #[must_use]
    pub fn router(mut self, router: Router<()>) -> Self {
        self.router = router;
        self
    }

    /// What connects the nodes of one application. Default: [`Memory`], for a server that runs alone.
    #[must_use]
    pub fn broker(mut self, broker: impl Broker) -> Self {
        self.broker = Arc::new(broker);
        self
    }

    /// This node's number, part of every session id. Default 0.
    #[must_use]
    pub fn node(mut self, node: u32) -> Self {
        self.node = node;
        self
    }

    /// The server. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When an option could never work; the text says how to mend it.
    pub fn build(mut self) -> Result<Server, ConfigError> {
        if self.config.codecs.is_empty() {
            self.config.codecs.push(Arc::new(tsugi_proto::codec::edn::Edn::new()));
            self.config.codecs.push(Arc::new(tsugi_proto::codec::json::Json::new()));
        }
        self.config.check()?;
        self.router.check()?;
        let Config { limits, times, codecs, .. } = &self.config;
        let kits = Kit::all(codecs, limits, times).map_err(|error| ConfigError::Codec(error.to_string()))?;
        let guard = Guard::new(self.config.access.clone(), self.config.hooks.clone(), limits.max_handshakes);
        let Self { config, router, broker, node } = self;
        let epoch = getrandom::u32().map_err(|error| ConfigError::Random(error.to_string()))?;
        let core = Arc::new(Core::new(Parts { config, kits, guard, router, broker, node, epoch }));
        start_broker(&core);
        Ok(Server::new(core))
    }
}

/// Tells the broker of this node. The memory broker is ready at once; another may take a while, and says in the log
/// when it fails.
fn start_broker(core: &Arc<Core>) {
    let node = Arc::downgrade(core);
    let broker = Arc::clone(&core.broker);
    let mut starting = Box::pin(async move {
        let sink = Arc::new(move |envelope: Envelope| match node.upgrade() {
            Some(core) => core.receive(envelope),
            None => Delivery::default(),
        });
        if let Err(error) = broker.start(sink).await {
            tracing::error!(target: "tsugi", %error, "the broker did not start: other nodes hear nothing of this one");
        }
    });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    if starting.as_mut().poll(&mut context).is_pending() {
        core.tasks.spawn(starting);
    }
}

impl Core {
    /// The sessions of this node that are meant.
    fn find(&self, target: &Target) -> Peers {
        match target {
            Target::User(user) => self.hub.of_user(user).into(),
            Target::Client(client) => self.hub.of_client(&(client.user.clone(), client.id.clone())).into(),
            Target::Session(session) => Vec::from_iter(self.hub.session(session)).into(),
            Target::Anonymous => self.hub.anonymous(),
            Target::Everyone => self.hub.all(),
            Target::Topic(topic) => {
                let subscribers = self.topics.subscribers(topic);
                Vec::from_iter(subscribers.into_iter().filter_map(|number| self.hub.numbered(number))).into()
            }
        }
    }

    /// Carries out what some node published.
    fn receive(&self, envelope: Envelope) -> Delivery {
        let peers = self.find(&envelope.target);
        match envelope.command {
            Command::Push(event, flush, durability) => {
                let flush = match flush {
                    crate::broker::Flush::Window => Flush::Batched,
                    crate::broker::Flush::Now => Flush::Now,
                };
                let sessions = deliver(&self.kits, &peers, &event, flush, &durability).unwrap_or_else(|error| {
                    tracing::error!(target: "tsugi", event = %event.id, %error, "an event could not be written");
                    0
                });
                self.counters.pushed.add(sessions);
                Delivery { sessions }
            }
            Command::Close(close) => {
                peers.iter().for_each(|peer| peer.close(close.clone()));
                Delivery { sessions: peers.len() }
            }
        }
    }

    async fn subscribe_all(&self, who: &Target, topic: &Topic) -> Result<Delivery, SubscribeError> {
        let peers = self.find(who);
        for peer in peers.iter() {
            let audience = match self.topics.subscribe(peer.number, topic) {
                // It ended since it was found.
                Err(SubscribeError::Gone) => continue,
                audience => audience?,
            };
            if audience == Audience::First
                && let Err(error) = self.broker.subscribe(topic).await
            {
                tracing::error!(target: "tsugi", %error, "the broker was not told of a topic");
            }
        }
        Ok(Delivery { sessions: peers.len() })
    }

    async fn unsubscribe_all(&self, who: &Target, topic: &Topic) -> Delivery {
        let peers = self.find(who);
        for peer in peers.iter() {
            if self.topics.unsubscribe(peer.number, topic) == Audience::Empty
                && let Err(error) = self.broker.unsubscribe(topic).await
            {
                tracing::debug!(target: "tsugi", %error, "the broker was not told of an empty topic");
            }
        }
        Delivery { sessions: peers.len() }
    }
}

impl Commands for Core {
    fn publish(&self, envelope: Envelope) -> BoxFuture<'_, Result<Delivery, BrokerError>> {
        self.broker.publish(envelope)
    }

    fn subscribe(&self, who: Target, topic: Topic) -> BoxFuture<'_, Result<Delivery, SubscribeError>> {
        Box::pin(async move { self.subscribe_all(&who, &topic).await })
    }

    fn unsubscribe(&self, who: Target, topic: Topic) -> BoxFuture<'_, Delivery> {
        Box::pin(async move { self.unsubscribe_all(&who, &topic).await })
    }

    fn users(&self) -> &Users {
        &self.users
    }

    fn shutdown(&self, grace: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            shutdown(self, grace).await;
        })
    }
}
