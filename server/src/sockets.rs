//! The service of plain sockets: a WebSocket, a handler, nothing in between.

use crate::carrier::Hold;
use crate::carrier::ws::{Opening, Settings};
use crate::config::{Access, Hooks, NativeClients, SockJsConfig, SocketConfig};
use crate::error::{ConfigError, Refusal};
use crate::service::body::BoxError;
use crate::service::guard::{Admitted, Guard};
use crate::service::sockjs::{Begin, Opener, SockJs};
use crate::service::{Answer, Endpoint, Rules, Surface, tower_service};
use crate::session::{Cell, Clock, Owner, Wheel, with};
use crate::socket::{AFTER_CLOSE, Outgoing, Shared, Socket};
use bytes::Bytes;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tsugi_proto::framing::sockjs::SockJsJoiner;
use tsugi_proto::session::{AfterLoss, Capacity, Config, Heartbeat, Profile, Rhythm, Transport};
use tsugi_proto::{Close, CloseCode, Frame, Framing};

/// Plain sockets, each with a handler of its own: in, out and err.
///
/// A `tower::Service`; in axum mount it with `route_service`. The handler starts when a socket is admitted; what it
/// sends early goes out once the socket is open. When it returns `Ok` and the last clone of its [`Outgoing`] is dropped,
/// the socket closes with 1000. When it returns an error or panics, the socket closes with 1011, the error is logged,
/// and no other socket notices.
///
/// ```
/// use tsugi::{Socket, Sockets, SocketConfig};
///
/// let echo = Sockets::new(SocketConfig::default(), |socket: Socket| async move {
///     let (mut incoming, mut outgoing, _errors) = socket.split();
///     while let Some(message) = incoming.recv().await {
///         outgoing.send(message).await?;
///     }
///     Ok::<(), tsugi::socket::SendError>(())
/// });
/// let app: axum::Router = axum::Router::new().route_service("/echo", echo);
/// ```
#[derive(Clone)]
pub struct Sockets(Arc<Inner>);

type HandlerFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

struct Inner {
    config: SocketConfig,
    guard: Arc<Guard>,
    clock: Clock,
    wheel: Arc<Wheel>,
    session: Arc<Config>,
    profile: Arc<Profile>,
    tasks: TaskTracker,
    open: Arc<AtomicUsize>,
    closing: CancellationToken,
    handler: Box<dyn Fn(Socket) -> HandlerFuture + Send + Sync>,
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sockets").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl Sockets {
    /// Sockets with these options, each given to `handler`. Must be called inside a tokio runtime.
    pub fn new<F, Fut, E>(config: SocketConfig, handler: F) -> Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let access = Access {
            origins: config.origins.clone(),
            native_clients: NativeClients::Allow,
            forwarded: config.forwarded,
            allowed_hosts: config.allowed_hosts.clone(),
        };
        let heartbeat = config.keep_alive.map(|every| Heartbeat {
            every,
            rhythm: Rhythm::AfterSilence,
            timeout: config.ping_timeout,
            frames: vec![Frame::ping(b"")],
            close: Close::because(CloseCode::PING_TIMEOUT, "no answer to a ping"),
        });
        let profile = Profile {
            transport: Transport::WebSocket,
            capacity: Capacity::Unlimited,
            heartbeat,
            window: Duration::ZERO,
            grace: Duration::ZERO,
            after_loss: AfterLoss::End,
        };
        Self(Arc::new(Inner {
            guard: Guard::new(access, Hooks::default(), config.max_sockets),
            clock: Clock::start(),
            wheel: Arc::default(),
            session: Arc::new(session_config(&config, Duration::ZERO)),
            profile: Arc::new(profile),
            tasks: TaskTracker::new(),
            open: Arc::default(),
            closing: CancellationToken::new(),
            handler: Box::new(move |socket| {
                let handled = handler(socket);
                Box::pin(async move { handled.await.map_err(Into::into) })
            }),
            config,
        }))
    }

    /// The same sockets for SockJS clients, with every option at its default; see [`SockJs`]. In axum mount it with
    /// `nest_service`.
    ///
    /// ```
    /// # use tsugi::{Socket, SocketConfig, Sockets};
    /// # let echo = Sockets::new(SocketConfig::default(), |_: Socket| async { Ok::<(), tsugi::BoxError>(()) });
    /// let app: axum::Router = axum::Router::new().nest_service("/echo", echo.sockjs());
    /// ```
    #[must_use]
    pub fn sockjs(&self) -> SockJs {
        self.sockjs_with(SockJsConfig::default()).unwrap_or_else(|_| unreachable!("the defaults are in order"))
    }

    /// As [`Sockets::sockjs`], with these options. Each call makes a service with sessions of its own.
    ///
    /// # Errors
    /// When an option could never work; the text says how to mend it.
    pub fn sockjs_with(&self, config: SockJsConfig) -> Result<SockJs, ConfigError> {
        SockJs::new(Arc::<Inner>::clone(&self.0), config)
    }

    /// Refuses new sockets with 503, closes those that are open with 1001, and waits for their handlers, for at most
    /// `within`. Do this before you shut the web server down.
    pub async fn shutdown(&self, within: Duration) {
        self.0.guard.close(Duration::ZERO);
        self.0.closing.cancel();
        self.0.tasks.close();
        if tokio::time::timeout(within, self.0.tasks.wait()).await.is_err() {
            tracing::warn!(target: "tsugi", left = self.open(), "shutdown ran out of time");
        }
    }

    /// Sockets that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }
}

/// Counts a socket for as long as its handler runs.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Endpoint for Inner {
    fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }

    fn rules(&self) -> Rules {
        let framing = Framing::Plain;
        let settings = Settings { max_message: self.config.max_message, after_close: AFTER_CLOSE, framing };
        Rules { settings, max_body: 0, handshake: Duration::from_secs(10), surface: Surface::Sockets }
    }

    fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    fn choose_protocol(&self, offered: &HeaderMap) -> Option<HeaderValue> {
        let values = offered.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
        let offered: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
        let chosen = self.config.protocols.iter().find(|ours| offered.contains(&ours.as_str()))?;
        HeaderValue::try_from(chosen.as_str()).ok()
    }

    fn websocket(self: Arc<Self>, admitted: Admitted) -> Result<Opening, Refusal> {
        let begin = Begin { framing: Framing::Plain, config: Arc::clone(&self.session), place: None };
        let owner = Arc::clone(&self).open(admitted, begin)?;
        let carrier = with(&owner, |session, now| session.attach(now, Arc::clone(&self.profile), None));
        Ok(Opening::Attached(Hold { owner, carrier }))
    }

    fn poll(self: Arc<Self>, _: Admitted) -> Answer {
        Box::pin(async { Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, "This is a WebSocket")) })
    }

    fn post(self: Arc<Self>, _: Admitted, _: Bytes) -> Answer {
        Box::pin(async { Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "This is a WebSocket")) })
    }
}

impl Opener for Inner {
    fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }

    fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    fn max_message(&self) -> usize {
        self.config.max_message
    }

    fn session(&self, expire: Duration) -> Arc<Config> {
        Arc::new(session_config(&self.config, expire))
    }

    fn open(self: Arc<Self>, admitted: Admitted, begin: Begin) -> Result<Arc<dyn Owner>, Refusal> {
        let open = self.open.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(Arc::clone(&self.open));
        if open >= self.config.max_sockets {
            return Err(self.guard.busy("Too many sockets"));
        }
        let cell = Cell::new(self.clock, Arc::clone(&self.wheel), begin.config).registered(begin.place);
        let request = admitted.request.as_ref().clone();
        let shared = Shared::new(cell, request, begin.framing, self.config.send_timeout, self.config.high_water);
        let socket = Socket::new(&shared);
        // The handler's task. It ends when the handler does, which learns of the socket's end from its channels.
        let task = Arc::clone(&self);
        self.tasks.spawn(async move { task.run(socket, counted).await });
        Ok(shared)
    }
}

/// What holds for a socket's session that lives so long without a carrier.
fn session_config(config: &SocketConfig, expire: Duration) -> Config {
    Config {
        // `send` waits at the high-water mark, so these bounds are met only by a burst of many clones at once.
        max_queue_items: 1 << 20,
        max_queue_bytes: config.high_water.saturating_add(64 << 20),
        max_inbox: config.max_inbox.max(1),
        expire,
        // Plain sockets carry no events, so theirs joins nothing.
        joiner: Arc::new(SockJsJoiner),
    }
}

impl Inner {
    async fn run(&self, socket: Socket, _counted: Counted) {
        // Kept so that an error can still be told from the handler's channels simply going away.
        let last = socket.outgoing();
        let outcome = match std::panic::catch_unwind(AssertUnwindSafe(|| (self.handler)(socket))) {
            Ok(handler) => self.see_through(Caught(handler), &last).await,
            Err(_) => Err("the handler panicked".into()),
        };
        if let Err(error) = outcome {
            tracing::error!(target: "tsugi", %error, "a socket's handler failed");
            fail(&last);
        }
    }
}

impl Inner {
    /// Runs a handler to its end. A shutdown closes its socket, of which its channels tell it; then it may still finish.
    async fn see_through(&self, mut handler: Caught, outgoing: &Outgoing) -> Result<(), BoxError> {
        tokio::select! {
            outcome = &mut handler => return outcome,
            () = self.closing.cancelled() => {
                outgoing.close_with(Close::because(CloseCode::GOING_AWAY, "server shutting down"));
            }
        }
        handler.await
    }
}

fn fail(outgoing: &Outgoing) {
    outgoing.close_with(Close::because(CloseCode::INTERNAL, "internal error"));
}

/// A handler whose panic is an error like another.
struct Caught(HandlerFuture);

impl Future for Caught {
    type Output = Result<(), BoxError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A handler that panicked is never polled again, so nothing can see what it left half done.
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Err("the handler panicked".into())))
    }
}

tower_service!(Sockets, |sockets: &Sockets| Arc::clone(&sockets.0) as Arc<dyn Endpoint>);
