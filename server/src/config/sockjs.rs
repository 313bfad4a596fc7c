//! The options of SockJS.

use crate::error::ConfigError;
use crate::identity::ConnectRequest;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Which bytes are sent where the two published protocol texts contradict each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SockJsProfile {
    /// Those of every server since 2015. The default: a page from a file can connect, and a jsonp response can never begin
    /// with bytes of a stranger's choice.
    #[default]
    Current,
    /// Those of the text 0.3.3 of 2013, to the letter. For its test suite.
    V0_3_3,
}

/// How a SockJS WebSocket is kept alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SockJsHeartbeat {
    /// A WebSocket ping, whose missing pong ends the session, and an `h` frame, by which the client's script can tell that
    /// the server is there. The default.
    #[default]
    Both,
    /// Only a ping.
    Ping,
    /// Only an `h` frame; a client that is gone is noticed when TCP notices.
    Frame,
}

/// A way of SockJS to move messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SockJsTransport {
    /// A WebSocket with SockJS frames.
    WebSocket,
    /// A plain WebSocket at `/websocket`, without frames.
    RawWebSocket,
    /// One long response to a POST.
    XhrStreaming,
    /// A POST for each frame.
    XhrPolling,
    /// One long response of server-sent events.
    EventSource,
    /// One long page of scripts, for Internet Explorer.
    HtmlFile,
    /// A script for each frame, for browsers without cross-origin requests.
    JsonpPolling,
}

impl SockJsTransport {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::WebSocket,
        Self::RawWebSocket,
        Self::XhrStreaming,
        Self::XhrPolling,
        Self::EventSource,
        Self::HtmlFile,
        Self::JsonpPolling,
    ];

    /// The name by which SockJS servers tell applications of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::RawWebSocket => "websocket-raw",
            Self::XhrStreaming => "xhr-streaming",
            Self::XhrPolling => "xhr-polling",
            Self::EventSource => "eventsource",
            Self::HtmlFile => "htmlfile",
            Self::JsonpPolling => "jsonp-polling",
        }
    }
}

impl fmt::Display for SockJsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Makes the value of a `Set-Cookie` header, or none.
pub type CookieHook = Arc<dyn Fn(&ConnectRequest) -> Option<String> + Send + Sync>;

/// Whether responses set the cookie `JSESSIONID`, by which some load balancers keep a client on one node.
#[derive(Clone, Default)]
pub enum SessionCookie {
    /// No. The default.
    #[default]
    Off,
    /// The cookie that came, or the value `dummy`, with `path=/`.
    On,
    /// As `On`, followed by these attributes: `SameSite=None; Secure; HttpOnly` for pages of other sites.
    With(String),
    /// Whatever the function returns is the whole header.
    Custom(CookieHook),
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::On => "On",
            Self::With(_) => "With",
            Self::Custom(_) => "Custom",
        })
    }
}

/// The options of SockJS; see [`SockJs`](crate::SockJs). Origins, and the bounds of sockets and queues, are those of
/// what is mounted over it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SockJsConfig {
    /// Which published bytes. Default: today's.
    pub profile: SockJsProfile,
    /// The URL of the client's script, for the iframe page. It must be of **exactly** the client's version, or the iframe
    /// transports fail with "Incompatible SockJS!". Default: version 1 from a public network; better serve it yourself.
    pub sockjs_url: String,
    /// Bytes of frames after which a streaming response ends and the client asks for another, so that its memory is
    /// freed. Default 128 KiB, everybody's.
    pub response_limit: usize,
    /// How often a receiver hears of the server. Default 25 s: below the 30 s of the strictest proxies, and below the 35 s
    /// after which the client gives a jsonp request up.
    pub heartbeat: Duration,
    /// What a WebSocket's heartbeat is. Default: a ping and an `h` frame.
    pub websocket_heartbeat: SockJsHeartbeat,
    /// How long a WebSocket may leave a ping unanswered. Default 10 s.
    pub ping_timeout: Duration,
    /// How long a session lives without a receiver. Default 5 s, everybody's.
    pub disconnect_delay: Duration,
    /// What is offered. Default: everything. `htmlfile`, `jsonp` and the iframe page need
    /// [`Origins::Any`](crate::Origins::Any) as well: no origin rule can protect them.
    pub transports: Vec<SockJsTransport>,
    /// Where the client shall send everything else, told by `/info`. Default: nowhere else.
    pub base_url: Option<String>,
    /// The cookie `JSESSIONID`. Default: off.
    pub session_cookie: SessionCookie,
    /// Bytes of one body or WebSocket message, brackets and all; beyond it 413, or a close with 1009. Takes the place of
    /// `max_message`, except on the raw WebSocket. Default 1 MiB: the client sends all that waits as one.
    pub max_body: usize,
    /// Sessions over HTTP at a time, those included that only still say that they are closed; beyond it 503. Default
    /// 100,000.
    pub max_sessions: usize,
}

impl Default for SockJsConfig {
    fn default() -> Self {
        Self {
            profile: SockJsProfile::Current,
            sockjs_url: "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js".to_owned(),
            response_limit: 128 * 1024,
            heartbeat: Duration::from_secs(25),
            websocket_heartbeat: SockJsHeartbeat::Both,
            ping_timeout: Duration::from_secs(10),
            disconnect_delay: Duration::from_secs(5),
            transports: SockJsTransport::ALL.to_vec(),
            base_url: None,
            session_cookie: SessionCookie::Off,
            max_body: 1024 * 1024,
            max_sessions: 100_000,
        }
    }
}

impl SockJsConfig {
    /// Finds what could never work, while there is somebody to read it.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let url = &self.sockjs_url;
        if !(url.starts_with('/') || url.starts_with("http")) || url.contains(['"', '<', '>', '\r', '\n']) {
            return Err(ConfigError::SockJsUrl(url.clone()));
        }
        let positive = [
            ("heartbeat", self.heartbeat),
            ("ping_timeout", self.ping_timeout),
            ("disconnect_delay", self.disconnect_delay),
        ];
        if let Some((option, value)) = positive.into_iter().find(|(_, value)| value.is_zero()) {
            return Err(ConfigError::Duration { option, value, must: "more than zero" });
        }
        if self.heartbeat >= Duration::from_secs(35) {
            let must = "less than 35 s, after which clients give a jsonp request up";
            return Err(ConfigError::Duration { option: "heartbeat", value: self.heartbeat, must });
        }
        let limits =
            [("response_limit", self.response_limit), ("max_body", self.max_body), ("max_sessions", self.max_sessions)];
        match limits.into_iter().find(|(_, limit)| *limit == 0) {
            Some((name, _)) => Err(ConfigError::ZeroLimit(name)),
            None => Ok(()),
        }
    }
}

super::setters!(SockJsConfig {
    profile: SockJsProfile,
    sockjs_url: String,
    response_limit: usize,
    heartbeat: Duration,
    websocket_heartbeat: SockJsHeartbeat,
    ping_timeout: Duration,
    disconnect_delay: Duration,
    transports: Vec<SockJsTransport>,
    base_url: Option<String>,
    session_cookie: SessionCookie,
    max_body: usize,
    max_sessions: usize,
});
