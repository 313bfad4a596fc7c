//! Every option, with its default and the reason for it.

macro_rules! setters {
    ($type:ty { $($field:ident: $value:ty),+ $(,)? }) => {
        impl $type {
            $(
                #[doc = concat!("Sets [`", stringify!($type), "::", stringify!($field), "`].")]
                #[must_use]
                pub fn $field(mut self, value: $value) -> Self {
                    self.$field = value;
                    self
                }
            )+
        }
    };
}
pub(crate) use setters;

mod sockjs;

pub use sockjs::{CookieHook, SessionCookie, SockJsConfig, SockJsHeartbeat, SockJsProfile, SockJsTransport};

use crate::error::{ConfigError, Refusal};
use crate::identity::{ConnectRequest, Identity};
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::{Codec, Value};

/// Which pages may connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Pages of this very host. The default, because it needs no setting and lets no stranger in.
    #[default]
    Same,
    /// Exactly these origins. A request without `Origin` must have a `Referer` below one of them.
    List(Vec<String>),
    /// Any page on the web. Then cookies do not protect you: use a CSRF token, or keep no secrets.
    Any,
}

/// Which versions of Sente a path speaks to: a server speaks first, and before that the clients of 1.14 to 1.22 look alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Wire {
    /// 1.21 and later, and Tsugi's own clients. The default. Clients of 1.17 to 1.20 read it too.
    #[default]
    Current,
    /// 1.17 to 1.20.
    SenteV2,
    /// 1.3 to 1.16.
    SenteV1,
}

/// Whether requests without any sign of a browser are let in where origins are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NativeClients {
    /// No: neither `Origin` nor `Referer` is a refusal, as in Sente.
    #[default]
    Refuse,
    /// Yes: programs that are no browsers send neither.
    Allow,
}

/// Whether to believe headers of a proxy about the host that the client asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarded {
    /// No: without a proxy anybody could send them.
    #[default]
    Ignore,
    /// Take the host from `X-Forwarded-Host`. Only behind a proxy that always sets or removes it.
    Trust,
}

/// What `.csrf(…)` returned: the token this request must bring; `None` refuses it.
pub(crate) type CsrfHook = Arc<dyn Fn(&ConnectRequest) -> Option<String> + Send + Sync>;
pub(crate) type IdentifyHook = Arc<dyn Fn(&ConnectRequest) -> Result<Identity, Refusal> + Send + Sync>;
pub(crate) type IdentifyFuture = Pin<Box<dyn Future<Output = Result<Identity, Refusal>> + Send>>;
pub(crate) type IdentifyAsyncHook = Arc<dyn Fn(Arc<ConnectRequest>) -> IdentifyFuture + Send + Sync>;
pub(crate) type RejectHook = Arc<dyn Fn(&ConnectRequest) -> Option<Refusal> + Send + Sync>;
pub(crate) type HandshakeDataHook = Arc<dyn Fn(&ConnectRequest) -> Value + Send + Sync>;
pub(crate) type AddressHook = Arc<dyn Fn(&ConnectRequest) -> Option<IpAddr> + Send + Sync>;

/// Who a request is from.
#[derive(Clone)]
pub(crate) enum Identify {
    Now(IdentifyHook),
    Later(IdentifyAsyncHook),
}

/// The hooks that look at each request.
#[derive(Clone)]
pub(crate) struct Hooks {
    pub(crate) identify: Identify,
    pub(crate) csrf: Option<CsrfHook>,
    pub(crate) reject: Option<RejectHook>,
    pub(crate) handshake_data: HandshakeDataHook,
    pub(crate) address: Option<AddressHook>,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            identify: Identify::Now(Arc::new(|_| Ok(Identity::anonymous()))),
            csrf: None,
            reject: None,
            handshake_data: Arc::new(|_| Value::Nil),
            address: None,
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").field("csrf", &self.csrf.is_some()).finish_non_exhaustive()
    }
}

/// Bounds. What happens at each is named beside it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one message from a client; beyond it 413, or a close with 1009. Default 64 KiB: room for a long text,
    /// not for files, which belong into an ordinary upload.
    pub max_message: usize,
    /// Items waiting for one client; beyond it the client is closed with 3002. Default 16,384.
    pub max_queue_items: usize,
    /// Bytes waiting for one client; beyond it the client is closed with 3002. Default 1 MiB.
    pub max_queue_bytes: usize,
    /// Messages of one client waiting for their handler; at the bound its connection is not read, and a POST waits for up to
    /// 5 s and then gets 503. Default 64.
    pub max_inbox: usize,
    /// Sessions in all; beyond it 503. Default 100,000.
    pub max_sessions: usize,
    /// Sessions of one user; beyond it 503. Default 64: many tabs and devices.
    pub max_sessions_per_user: usize,
    /// Sessions of one address; beyond it 503. Default 1,024: an office behind one address. Counted only when
    /// [`ServerBuilder::client_address`](crate::ServerBuilder::client_address) says what the address is.
    pub max_sessions_per_address: usize,
    /// WebSockets between their upgrade and their first word; beyond it 503, before anybody is identified. Default 1,024.
    pub max_handshakes: usize,
    /// Topics of one client; beyond it subscribing is an error. Default 256.
    pub max_topics: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message: 64 * 1024,
            max_queue_items: 16_384,
            max_queue_bytes: 1024 * 1024,
            max_inbox: 64,
            max_sessions: 100_000,
            max_sessions_per_user: 64,
            max_sessions_per_address: 1_024,
            max_handshakes: 1_024,
            max_topics: 256,
        }
    }
}

/// Times. `None` switches a rule off.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Times {
    /// A WebSocket that was silent for so long is pinged; that of a Sente client at the end of a window of half of this in which
    /// nothing came, as Sente does since 1.21. Default 25 s: below the idle limits of proxies, the strictest of which are 30 s. A lost
    /// peer is known after this and [`ping_timeout`](Self::ping_timeout), so after 35 s.
    pub keep_alive: Option<Duration>,
    /// How long a pinged client may stay silent before its WebSocket is closed (1000 for Sente, 3001 for Tsugi). Default 10 s.
    pub ping_timeout: Option<Duration>,
    /// How long a poll is held, and how long a Sente client's POST waits for its reply. Below 60 s, at which Sente's clients
    /// give up. Default 20 s: below the 30 s of the strictest hosts.
    pub poll_timeout: Duration,
    /// How long an event for a Sente WebSocket may wait for others, so that a burst is one frame. Default 30 ms, Sente's.
    pub window_websocket: Duration,
    /// The same for Sente polls. Default 100 ms, Sente's.
    pub window_poll: Duration,
    /// How long a client that lost its WebSocket still counts as online. Default 2.5 s, Sente's: a reload is no departure.
    pub grace_websocket: Duration,
    /// The same after a poll. Default 5 s, Sente's.
    pub grace_poll: Duration,
    /// How long a session without a connection keeps what was pushed to it. Default 120 s: a lift, a tunnel, a deploy.
    pub expire: Duration,
    /// How long the server remembers what it handled of a client's outbox, and the replies that it could not deliver, after
    /// the client's last session. Default 10 min: longer than a session, for a page that is loaded again later.
    pub outbox: Duration,
    /// How long clients take to come back after [`Server::shutdown`](crate::Server::shutdown), which gives each a moment of its
    /// own: evenly over so long, or over 10 ms for each client where those are less. Zero tells them nothing. Default 10 s, so
    /// that 10,000 clients are a thousand a second; at most 300 s. With Tsugi's clients only; others come back as they please.
    pub reconnect: Duration,
    /// How long a WebSocket may take to finish its upgrade and say hello. Default 10 s.
    pub handshake: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            keep_alive: Some(Duration::from_secs(25)),
            ping_timeout: Some(Duration::from_secs(10)),
            poll_timeout: Duration::from_secs(20),
            window_websocket: Duration::from_millis(30),
            window_poll: Duration::from_millis(100),
            grace_websocket: Duration::from_millis(2_500),
            grace_poll: Duration::from_secs(5),
            expire: Duration::from_secs(120),
            outbox: Duration::from_secs(600),
            reconnect: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
        }
    }
}

/// Who may ask, beside the hooks. Plain sockets and the event server share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    pub(crate) origins: Origins,
    pub(crate) native_clients: NativeClients,
    pub(crate) forwarded: Forwarded,
    /// Hosts that may be asked for; empty allows any. Against DNS rebinding.
    pub(crate) allowed_hosts: Vec<String>,
}

/// All options of a server.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) access: Access,
    pub(crate) hooks: Hooks,
    pub(crate) codecs: Vec<Arc<dyn Codec>>,
    pub(crate) limits: Limits,
    pub(crate) times: Times,
}

impl Config {
    /// Finds what could never work, while there is somebody to read it.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_codecs()?;
        self.check_times()?;
        self.check_limits()?;
        match &self.access.origins {
            Origins::List(origins) => origins.iter().try_for_each(|origin| check_origin(origin)),
            Origins::Same | Origins::Any => Ok(()),
        }
    }

    fn check_codecs(&self) -> Result<(), ConfigError> {
        if self.codecs.is_empty() {
            return Err(ConfigError::NoCodec);
        }
        for (index, codec) in self.codecs.iter().enumerate() {
            if self.codecs[..index].iter().any(|other| other.name() == codec.name()) {
                return Err(ConfigError::DuplicateCodec(codec.name()));
            }
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        let times = &self.times;
        let positive = [
            ("keep_alive", times.keep_alive),
            ("ping_timeout", times.ping_timeout),
            ("poll_timeout", Some(times.poll_timeout)),
            ("window_websocket", Some(times.window_websocket)),
            ("window_poll", Some(times.window_poll)),
            ("handshake", Some(times.handshake)),
        ];
        for (option, value) in positive {
            if let Some(value) = value.filter(Duration::is_zero) {
                return Err(ConfigError::Duration { option, value, must: "more than zero" });
            }
        }
        if times.poll_timeout >= Duration::from_secs(60) {
            let must = "less than 60 s, at which Sente's clients give a poll up";
            return Err(ConfigError::Duration { option: "poll_timeout", value: times.poll_timeout, must });
        }
        if times.reconnect > Duration::from_secs(300) {
            let must = "at most 300 s, for which clients wait at most";
            return Err(ConfigError::Duration { option: "reconnect", value: times.reconnect, must });
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        let all = [
            ("max_message", limits.max_message),
            ("max_queue_items", limits.max_queue_items),
            ("max_queue_bytes", limits.max_queue_bytes),
            ("max_inbox", limits.max_inbox),
            ("max_sessions", limits.max_sessions),
            ("max_sessions_per_user", limits.max_sessions_per_user),
            ("max_sessions_per_address", limits.max_sessions_per_address),
            ("max_handshakes", limits.max_handshakes),
        ];
        match all.into_iter().find(|(_, limit)| *limit == 0) {
            Some((name, _)) => Err(ConfigError::ZeroLimit(name)),
            None => Ok(()),
        }
    }
}

fn check_origin(origin: &str) -> Result<(), ConfigError> {
    let well_formed = origin
        .split_once("://")
        .is_some_and(|(scheme, host)| !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '?', '#', ' ']));
    if well_formed { Ok(()) } else { Err(ConfigError::Origin(origin.to_owned())) }
}

/// The options of plain sockets; see [`Sockets`](crate::Sockets).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SocketConfig {
    /// Which pages may connect. Default: those of the same host.
    pub origins: Origins,
    /// Hosts that may be asked for; empty allows any. Default empty. List yours against DNS rebinding.
    pub allowed_hosts: Vec<String>,
    /// Whether to believe a proxy about the host. Default: no.
    pub forwarded: Forwarded,
    /// Bytes of one message; more closes with 1009. Default 64 KiB.
    pub max_message: usize,
    /// Messages waiting to be received; at the bound the connection is not read. Default 64.
    pub max_inbox: usize,
    /// Bytes waiting to be written before [`Outgoing::send`](crate::socket::Outgoing::send) waits. Default 64 KiB.
    pub high_water: usize,
    /// How long `send` waits for a peer that does not read; then the socket closes with 3002. Default 30 s; `None` waits
    /// for ever.
    pub send_timeout: Option<Duration>,
    /// A socket that was silent for so long is pinged. Default 25 s; `None` never.
    pub keep_alive: Option<Duration>,
    /// How long a pinged peer may stay silent before it is given up. Default 10 s.
    pub ping_timeout: Option<Duration>,
    /// Sockets at a time; beyond it 503. Default 100,000.
    pub max_sockets: usize,
    /// Subprotocols in order of preference; the first that the client offers is chosen. Default none.
    pub protocols: Vec<String>,
}

impl Default for SocketConfig {
    fn default() -> Self {
        Self {
            origins: Origins::Same,
            allowed_hosts: Vec::new(),
            forwarded: Forwarded::Ignore,
            max_message: 64 * 1024,
            max_inbox: 64,
            high_water: 64 * 1024,
            send_timeout: Some(Duration::from_secs(30)),
            keep_alive: Some(Duration::from_secs(25)),
            ping_timeout: Some(Duration::from_secs(10)),
            max_sockets: 100_000,
            protocols: Vec::new(),
        }
    }
}

setters!(SocketConfig {
    origins: Origins,
    allowed_hosts: Vec<String>,
    forwarded: Forwarded,
    max_message: usize,
    max_inbox: usize,
    high_water: usize,
    send_timeout: Option<Duration>,
    keep_alive: Option<Duration>,
    ping_timeout: Option<Duration>,
    max_sockets: usize,
    protocols: Vec<String>,
});

setters!(Limits {
    max_message: usize,
    max_queue_items: usize,
    max_queue_bytes: usize,
    max_inbox: usize,
    max_sessions: usize,
    max_sessions_per_user: usize,
    max_sessions_per_address: usize,
    max_handshakes: usize,
    max_topics: usize,
});

setters!(Times {
    keep_alive: Option<Duration>,
    ping_timeout: Option<Duration>,
    poll_timeout: Duration,
    window_websocket: Duration,
    window_poll: Duration,
    grace_websocket: Duration,
    grace_poll: Duration,
    expire: Duration,
    outbox: Duration,
    reconnect: Duration,
    handshake: Duration,
});
