//! The service of SockJS: every route of the protocol, over the same sessions and carriers as everything else.
//!
//! What it serves is given: plain sockets and the event server are each an [`Opener`].

mod answer;
mod receive;
mod registry;
mod route;
mod sockets;

use super::body::{self, Body, BodyError, BoxError};
use super::guard::{Admitted, Guard, Kind};
use super::{Handshake, Surface, connect_request, websocket};
use crate::config::{Origins, SockJsConfig, SockJsHeartbeat, SockJsTransport};
use crate::error::{ConfigError, Refusal};
use crate::session::{Owner, Place, room, with};
use answer::{Cors, Pages, decorate};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use registry::{Found, Registry};
use route::{Route, Way};
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio_util::task::TaskTracker;
use tsugi_proto::framing::sockjs::{self, ReadError};
use tsugi_proto::session::{AfterLoss, Capacity, Config, Heartbeat, Profile, Rhythm, Transport};
use tsugi_proto::{Close, CloseCode, Frame, Framing};

/// How long a body of messages waits for a session whose application is slow.
const ROOM_WAIT: Duration = Duration::from_secs(30);
/// What SockJS carries: plain sockets, or events.
pub(crate) trait Opener: Send + Sync + 'static {
    fn guard(&self) -> &Arc<Guard>;
    /// The tasks of its WebSockets, which shutdown waits for.
    fn tasks(&self) -> &TaskTracker;
    /// Bytes of one message on the raw WebSocket.
    fn max_message(&self) -> usize;
    /// What holds for sessions that live so long without a carrier.
    fn session(&self, expire: Duration) -> Arc<Config>;
    /// Begins a session. Called under a lock: it must not wait, and call no session.
    fn open(self: Arc<Self>, admitted: Admitted, begin: Begin) -> Result<Arc<dyn Owner>, Refusal>;
}

/// What a new session is made of.
pub(crate) struct Begin {
    pub(crate) framing: Framing,
    pub(crate) config: Arc<Config>,
    pub(crate) place: Option<Place>,
}

/// SockJS, over which sockets or events are mounted: the service for the clients of that name, on every transport they
/// have. Made by [`Sockets::sockjs`](crate::Sockets::sockjs) and [`Server::sockjs`](crate::Server::sockjs).
///
/// Mount it with a prefix: in axum, `Router::new().nest_service("/echo", sockets.sockjs())`. It sees the path below the
/// prefix; see [`SockJs::at`] for a router that takes nothing away. Cloning is cheap, and every clone has the same
/// sessions.
///
/// Same origin by default, as everything here. What no origin rule can protect (the iframe page, `htmlfile` and `jsonp`)
/// is there only with [`Origins::Any`].
#[derive(Clone)]
pub struct SockJs {
    inner: Arc<Inner>,
    prefix: Option<Arc<str>>,
}

struct Inner {
    opener: Arc<dyn Opener>,
    config: SockJsConfig,
    registry: Arc<Registry>,
    pages: Pages,
    profiles: Profiles,
    /// For sessions that end with their WebSocket, and for those that wait for a receiver.
    socket_session: Arc<Config>,
    http_session: Arc<Config>,
}

/// A profile for each kind of carrier.
struct Profiles {
    websocket: Arc<Profile>,
    raw: Arc<Profile>,
    stream: Arc<Profile>,
    poll: Arc<Profile>,
}

impl fmt::Debug for SockJs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SockJs").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

impl SockJs {
    pub(crate) fn new(opener: Arc<dyn Opener>, config: SockJsConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let inner = Inner {
            registry: Registry::new(config.disconnect_delay, config.max_sessions),
            pages: Pages::new(&config),
            profiles: Profiles::new(&config),
            socket_session: opener.session(Duration::ZERO),
            http_session: opener.session(config.disconnect_delay),
            opener,
            config,
        };
        Ok(Self { inner: Arc::new(inner), prefix: None })
    }

    /// Tells the service where it is mounted, for a router that leaves the path whole. What is not below the prefix is a
    /// 404. The prefix begins with a slash and does not end with one.
    ///
    /// axum's `nest_service` takes the prefix away, and one slash too many with it: `/echo//info` is found there as if it
    /// were `/echo/info`. That harms nobody; where the protocol must be kept to the letter, mount the whole path:
    ///
    /// ```
    /// # use tsugi::{Socket, SocketConfig, Sockets};
    /// # let echo = Sockets::new(SocketConfig::default(), |_: Socket| async { Ok::<(), tsugi::BoxError>(()) });
    /// let echo = echo.sockjs().at("/echo");
    /// let app: axum::Router = axum::Router::new()
    ///     .route_service("/echo", echo.clone())
    ///     .route_service("/echo/", echo.clone())
    ///     .route_service("/echo/{*rest}", echo);
    /// ```
    #[must_use]
    pub fn at(mut self, prefix: &str) -> Self {
        self.prefix = Some(prefix.trim_end_matches('/').into());
        self
    }
}

impl Profiles {
    fn new(config: &SockJsConfig) -> Self {
        let (ping, beat) = (Frame::ping(b""), sockjs::heartbeat());
        let (frames, timeout) = match config.websocket_heartbeat {
            SockJsHeartbeat::Both => (vec![ping.clone(), beat.clone()], Some(config.ping_timeout)),
            SockJsHeartbeat::Ping => (vec![ping.clone()], Some(config.ping_timeout)),
            SockJsHeartbeat::Frame => (vec![beat.clone()], None),
        };
        let heartbeat = |frames, timeout| Heartbeat {
            every: config.heartbeat,
            rhythm: Rhythm::Always,
            timeout,
            frames,
            close: Close::because(CloseCode::SOCKJS_BROKEN, "No response from heartbeat"),
        };
        let profile = |transport, capacity, heartbeat| Profile {
            transport,
            capacity,
            heartbeat: Some(heartbeat),
            window: Duration::ZERO,
            grace: if transport == Transport::WebSocket { Duration::ZERO } else { config.disconnect_delay },
            after_loss: AfterLoss::End,
        };
        let websocket = heartbeat(frames, timeout);
        let raw = heartbeat(vec![ping], Some(config.ping_timeout));
        let http = heartbeat(vec![beat], None);
        Self {
            websocket: Arc::new(profile(Transport::WebSocket, Capacity::Unlimited, websocket)),
            raw: Arc::new(profile(Transport::WebSocket, Capacity::Unlimited, raw)),
            stream: Arc::new(profile(Transport::Poll, Capacity::Unlimited, http.clone())),
            poll: Arc::new(profile(Transport::Poll, Capacity::One, http)),
        }
    }
}

impl Inner {
    /// Whether a route is there with these options.
    fn offers(&self, route: &Route) -> bool {
        let open = *self.opener.guard().origins() == Origins::Any;
        let needs_open =
            matches!(route, Route::Iframe | Route::Session(_, Way::HtmlFile | Way::Jsonp | Way::JsonpSend));
        let offered = route.transport().is_none_or(|transport| self.config.transports.contains(&transport));
        offered && (open || !needs_open)
    }

    fn has_websocket(&self) -> bool {
        self.config.transports.contains(&SockJsTransport::WebSocket)
    }

    async fn serve<B>(self: Arc<Self>, request: Request<B>, prefix: &str) -> Response<Body>
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let (head, body) = request.into_parts();
        let path = head.uri.path().strip_prefix(prefix);
        let Some(route) = path.and_then(Route::of).filter(|route| self.offers(route)) else {
            return answer::not_found();
        };
        if !route.allows(&head.method) {
            return answer::not_allowed(route.methods());
        }
        let cors = Cors::of(&route, self.opener.guard().origins(), self.config.profile, &head.headers);
        let cookie = self.cookie(&route, &head);
        let profile = self.config.profile;
        let mut response = match self.answer(route, head, body).await {
            Ok(response) => response,
            Err(refusal) => answer::refused(refusal, profile),
        };
        decorate(response.headers_mut(), &cors, cookie);
        response
    }

    fn cookie(&self, route: &Route, head: &Parts) -> Option<HeaderValue> {
        if route.has_cookie(&head.method) { answer::cookie(&self.config.session_cookie, head) } else { None }
    }

    async fn answer<B>(self: Arc<Self>, route: Route, head: Parts, body: B) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        if head.method == Method::OPTIONS {
            return Ok(answer::preflight(&route, &head.headers));
        }
        match route {
            Route::Greeting => Ok(answer::text(StatusCode::OK, "Welcome to SockJS!\n")),
            Route::Info => self.info(),
            Route::Iframe => Ok(self.pages.iframe(&head.headers)),
            Route::RawWebSocket => self.websocket(head, Framing::Plain).await,
            Route::Session(id, way) => match way {
                Way::WebSocket => self.websocket(head, Framing::SockJs).await,
                Way::XhrSend | Way::JsonpSend => self.send(&id, way, head, body).await,
                _ => self.receive(&id, way, head).await,
            },
        }
    }

    fn info(&self) -> Result<Response<Body>, Refusal> {
        let entropy = getrandom::u32().map_err(|error| {
            tracing::error!(target: "tsugi", %error, "the system gives no random numbers");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "No random numbers")
        })?;
        let open = *self.opener.guard().origins() != Origins::Same;
        Ok(answer::info(&self.config, self.has_websocket(), open, entropy))
    }

    async fn websocket(self: Arc<Self>, mut head: Parts, framing: Framing) -> Result<Response<Body>, Refusal> {
        let Some(handshake) = Handshake::of(&head)? else {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "Can \"Upgrade\" only to \"WebSocket\"."));
        };
        head.extensions.insert(match framing {
            Framing::Plain => SockJsTransport::RawWebSocket,
            Framing::SockJs => SockJsTransport::WebSocket,
        });
        websocket(Arc::new(sockets::Bridge { inner: self, framing }), Box::new(head), handshake).await
    }

    async fn admit(&self, mut head: Parts, transport: Option<SockJsTransport>) -> Result<Admitted, Refusal> {
        if let Some(transport) = transport {
            head.extensions.insert(transport);
        }
        self.opener.guard().admit(connect_request(Surface::SockJs, head, &[])?, Kind::SockJs).await
    }

    // Sending: messages of the client in a body.

    async fn send<B>(&self, id: &str, way: Way, head: Parts, body: B) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let media = media_type(&head.headers);
        let admitted = self.admit(head, None).await?;
        let body = body::read(body, self.config.max_body).await.map_err(|error| match error {
            BodyError::TooLarge => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Message too large"),
            BodyError::Broken => Refusal::new(StatusCode::BAD_REQUEST, "Body cut short"),
        })?;
        let payload = payload_of(way, &media, body).ok_or(ReadError::Empty).and_then(|payload| sockjs::read(&payload));
        let messages = payload.map_err(|error| match error {
            ReadError::TooMany => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Too many messages"),
            // The status is the protocol's (sockjs.md 8.4).
            error => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        })?;
        let sent = if way == Way::JsonpSend { answer::jsonp_sent } else { answer::sent };
        let entry = match self.registry.find(id) {
            Found::Live(entry) => entry,
            // What comes too late is dropped, as it is between the close and its arrival.
            Found::Closed(_) => return Ok(sent(self.config.profile)),
            Found::Nothing => return Ok(answer::not_found()),
        };
        if entry.user.as_ref() != admitted.identity.id() {
            return Ok(answer::not_found());
        }
        if tokio::time::timeout(ROOM_WAIT, room(&entry.owner)).await.is_err() {
            return Err(self.opener.guard().busy("Too many messages wait already"));
        }
        with(&entry.owner, |session, _| session.handle_posted(messages));
        Arc::clone(&entry.owner).readable();
        Ok(sent(self.config.profile))
    }
}

/// A media type without its parameters.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The JSON in a body. A form of another site can be posted without asking, so what forms can send is taken only where
/// the protocol says so (sockjs.md 8.3, 12.2).
fn payload_of(way: Way, media: &str, body: Bytes) -> Option<Bytes> {
    match (way, media) {
        (Way::JsonpSend, "application/x-www-form-urlencoded") => {
            let found = form_urlencoded::parse(&body).find(|(name, _)| name == "d")?;
            Some(Bytes::from(found.1.into_owned()))
        }
        (Way::JsonpSend, "" | "text/plain") => Some(body),
        (Way::JsonpSend, _) | (_, "application/x-www-form-urlencoded" | "multipart/form-data") => None,
        _ => Some(body),
    }
}

impl<B> tower_service::Service<Request<B>> for SockJs
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { inner, prefix } = self.clone();
        Box::pin(async move { Ok(inner.serve(request, prefix.as_deref().unwrap_or_default()).await) })
    }
}

/// Finds the route of whatever a client calls a path. A session's id is bounded, whole, and without dots and slashes.
#[cfg(feature = "fuzzing")]
pub(crate) fn judge_path(path: &str) {
    if let Some(route) = Route::of(path) {
        assert!(!route.methods().is_empty());
        if let Route::Session(id, _) = &route {
            assert!(!id.is_empty() && id.len() <= 128 && !id.contains(['.', '/']) && path.contains(&**id));
        }
    }
}
