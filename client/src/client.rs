//! The handle that applications hold.

use crate::delivery::Delivery;
use crate::driver::Driver;
use crate::error::{ConnectError, Ended, RequestError, SendError};
use crate::events::{Events, Registration};
use crate::options::{ClientBuilder, Options};
#[cfg(not(target_arch = "wasm32"))]
use crate::outbox::Restored;
use crate::platform::{Http, MaybeSend, MaybeSync, Persistent, Tasks};
use crate::shared::{Kind, Shared};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tsugi_proto::connection::{Gap, Open, Page, State};
use tsugi_proto::event::EventError;
use tsugi_proto::value::from_value;
use tsugi_proto::{Close, Connection, Event, EventId, Instant};

/// A connection to a channel socket server. Clones are handles to the same one; when the last is dropped it is closed.
///
/// ```
/// use tsugi::{Data, Router, Server};
/// use tsugi_client::Client;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let router = Router::new().on("math/double", async |Data(n): Data<i64>| Data(2 * n));
/// let server = Server::builder().router(router).build()?;
/// let app = axum::Router::new().route_service("/chsk", server.service());
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?;
/// tokio::spawn(async move { axum::serve(listener, app).await });
///
/// let client = Client::connect(&format!("http://{address}/chsk"))?;
/// let doubled: i64 = client.request("math/double", &21).await?;
/// assert_eq!(doubled, 42);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Handle>);

/// What the last clone drops.
struct Handle {
    shared: Arc<Shared>,
    request_timeout: Duration,
    send_timeout: Duration,
    outbox: Option<Persistent>,
}

impl Handle {
    fn timeout_of(&self, event: &Event, kind: Kind) -> Duration {
        let kept = self.outbox.as_ref().and_then(|outbox| outbox.timeout_of(&event.id, kind));
        kept.unwrap_or(if kind == Kind::Event { self.send_timeout } else { self.request_timeout })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("state", &*self.0.shared.state.borrow()).finish()
    }
}

impl Client {
    /// Options, each with a default.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Begins to connect, with every option at its default. Returns at once; [`Client::ready`] waits for it. The URL is that of
    /// the server's endpoint, such as `https://chat.example/chsk`; `wss` means the same.
    ///
    /// # Errors
    /// When that can never work: the URL is none, or there is no tokio runtime here.
    pub fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::builder().connect(url)
    }

    pub(crate) fn begin(url: &str, options: &Options) -> Result<Self, ConnectError> {
        let tasks = Tasks::here()?;
        let http = Arc::new(Http::new(url, options)?);
        let connection = Connection::new(options.config()?, random);
        let shared = Arc::new(Shared::new(connection, options.events));
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(outbox) = &options.outbox {
            shared.keep(outbox, options.endpoint(http.url()))?;
        }
        shared.command(Connection::open);
        tasks.spawn(Driver::new(Arc::clone(&shared), http, options.max_message).run());
        let (request_timeout, send_timeout) = (options.request_timeout, options.send_timeout);
        Ok(Self(Arc::new(Handle { shared, request_timeout, send_timeout, outbox: options.outbox.clone() })))
    }

    /// Sends an event. It is handled once and in order, over whatever connections there are until it is; only a server that was
    /// started again in between may handle it again. What became of it is in what is returned; to know is not needed.
    ///
    /// # Errors
    /// When it was not taken; nothing of it is sent.
    pub fn send<T: Serialize + ?Sized>(&self, id: &str, data: &T) -> Result<Delivery, SendError> {
        let event = Event::new(id, data)?;
        self.send_event(&event, self.0.timeout_of(&event, Kind::Event))
    }

    /// As [`Client::send`], for an event that is made already and with a time of its own, within which it must have been handled.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn send_event(&self, event: &Event, timeout: Duration) -> Result<Delivery, SendError> {
        self.0.shared.deliver(event, Kind::Event, timeout)
    }

    /// Sends an event that is soon out of date: at once, or not at all, and never again.
    ///
    /// # Errors
    /// When it was dropped, because it could not leave at once.
    pub fn send_volatile<T: Serialize + ?Sized>(&self, id: &str, data: &T) -> Result<(), SendError> {
        let event = Event::new(id, data)?;
        Ok(self.0.shared.command(|connection, now| connection.send_volatile(now, &event))?)
    }

    /// Sends an event and waits for the reply.
    ///
    /// ```no_run
    /// # async fn run(client: tsugi_client::Client) -> Result<(), tsugi_client::RequestError> {
    /// let sum = client.request::<i64>("math/add", &[1, 2]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When it was not taken, the server says that it failed, no reply comes in time, or the reply is no `R`. A future that is
    /// dropped takes nothing back.
    pub async fn request<R: DeserializeOwned>(
        &self,
        id: &str,
        data: &(impl Serialize + ?Sized),
    ) -> Result<R, RequestError> {
        let event = Event::new(id, data).map_err(SendError::Event)?;
        self.request_event(&event, self.0.timeout_of(&event, Kind::Request)).await
    }

    /// As [`Client::request`], for an event that is made already and with a time of its own.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn request_event<R: DeserializeOwned>(
        &self,
        event: &Event,
        timeout: Duration,
    ) -> Result<R, RequestError> {
        let delivery = self.0.shared.deliver(event, Kind::Request, timeout)?;
        Ok(from_value(delivery.reply().await?)?)
    }

    /// Calls `handler` with the data of every such event, in order, in the client's own task: it must not block. Data that is no
    /// `T` is logged, and the handler not called. A handler that holds a [`Client`] keeps it alive until [`Registration::off`].
    ///
    /// ```no_run
    /// # fn run(client: tsugi_client::Client) -> Result<(), tsugi_client::SendError> {
    /// client.on("mail/new", |count: u32| println!("{count} new"))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When `id` is no event id.
    pub fn on<T, F>(&self, id: &str, handler: F) -> Result<Registration, SendError>
    where
        T: DeserializeOwned,
        F: Fn(T) + MaybeSend + MaybeSync + 'static,
    {
        let id = EventId::new(id).map_err(EventError::Id)?;
        Ok(self.0.shared.handlers.on(id, handler))
    }

    /// Calls `handler` when something that the server sent, or would have, will never arrive: show afresh what may have changed.
    /// In order with the events, and as [`Client::on`] does.
    ///
    /// ```no_run
    /// # fn run(client: tsugi_client::Client) {
    /// client.on_gap(|gap| println!("from {} on something is missing: {:?}", gap.from, gap.why));
    /// # }
    /// ```
    pub fn on_gap<F>(&self, handler: F) -> Registration
    where
        F: Fn(Gap) + MaybeSend + MaybeSync + 'static,
    {
        self.0.shared.handlers.on_gap(handler)
    }

    /// What the server says from now on: events, and what was missed of them.
    #[must_use]
    pub fn events(&self) -> Events {
        let notices = self.0.shared.notices.lock();
        // Without a driver there is nothing to come: a channel without a sender says so.
        Events(notices.as_ref().map_or_else(|| broadcast::channel(1).1, broadcast::Sender::subscribe))
    }

    /// How the connection is doing, now and whenever that changes.
    ///
    /// ```no_run
    /// # async fn run(client: tsugi_client::Client) {
    /// let mut state = client.state();
    /// while state.changed().await.is_ok() {
    ///     println!("{:?}", *state.borrow_and_update());
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn state(&self) -> watch::Receiver<State> {
        self.0.shared.state.subscribe()
    }

    /// How long until a moment of [`State::Waiting`]; zero when it has come.
    #[must_use]
    pub fn time_until(&self, moment: Instant) -> Duration {
        moment.since(self.0.shared.now())
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// When there will be none, unless [`Client::reconnect`] is called.
    pub async fn ready(&self) -> Result<Open, Ended> {
        let mut state = self.state();
        let settled = state.wait_for(|state| matches!(state, State::Open(_) | State::Closed(_))).await;
        match settled.as_deref() {
            Ok(State::Open(open)) => Ok(open.clone()),
            Ok(State::Closed(loss)) => Err(Ended(loss.clone())),
            // The sender is in `self`, so there is no other end.
            _ => unreachable!("a state that was not waited for"),
        }
    }

    /// The number of events and requests that are under way.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.0.shared.with(|core, _| core.connection.pending())
    }

    /// Drops the connection there is, or the wait for one, and connects now: after a login, or when a person asks for it.
    pub fn reconnect(&self) {
        self.0.shared.reconnect();
    }

    /// The network is back, or another one: asks at once whether the connection still lives, tries again soon if there is none, and
    /// tries a WebSocket while polling. For programs that are told of it; nothing needs it.
    pub fn network_changed(&self) {
        self.0.shared.command(|connection, now| connection.set_page(now, Page::Online));
    }

    /// Ends the connection for good. What is under way fails with [`Closed`](crate::Unanswered::Closed).
    pub fn close(&self, close: &Close) {
        self.0.shared.close(close);
    }

    /// What the outbox still held of an earlier process when this client began, or of before its end when it was told to
    /// [reconnect](Client::reconnect), in order; each once. Empty without [`ClientBuilder::outbox`].
    #[cfg(not(target_arch = "wasm32"))]
    #[must_use]
    pub fn restored(&self) -> Vec<Restored> {
        self.0.shared.restored()
    }
}

/// For waits only. Where there is no randomness clients come back at the same time, which is a pity and no more.
fn random() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    #[test]
    fn handles_may_go_to_and_be_used_by_other_threads() {
        fn anywhere<T: Send + Sync>() {}
        anywhere::<super::Client>();
        anywhere::<crate::Delivery>();
        anywhere::<crate::Registration>();
        anywhere::<crate::ClientBuilder>();
    }
}
