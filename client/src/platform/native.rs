//! A program of an operating system, in a tokio runtime.

pub(crate) use crate::outbox::{Keeper, Persistent};
pub(crate) use crate::transport::Http;
pub(crate) use crate::transport::websocket::Socket;

use crate::error::ConnectError;
use crate::shared::Shared;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::Instant;

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// A function that finds the CSRF token out.
pub(crate) type TokenSource = Arc<dyn Fn() -> BoxFuture<Option<String>> + Send + Sync>;
/// Returns whether the data was what the handler takes.
pub(crate) type Handler<T> = Arc<dyn Fn(&T) -> bool + Send + Sync>;

/// Where the driver runs.
pub(crate) struct Tasks(tokio::runtime::Handle);

impl Tasks {
    pub(crate) fn here() -> Result<Self, ConnectError> {
        Ok(Self(tokio::runtime::Handle::try_current()?))
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }
}

/// The connection's clock, by tokio's.
pub(crate) struct Clock(tokio::time::Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::after_origin(self.0.elapsed())
    }

    /// Far away where tokio has no word for the moment.
    pub(crate) async fn sleep_until(&self, at: Instant) {
        let far = || tokio::time::Instant::now() + Duration::from_secs(86_400);
        tokio::time::sleep_until(self.0.checked_add(at.since_origin()).unwrap_or_else(far)).await;
    }
}

/// Nobody tells a program that the network is gone or back: see [`Client::network_changed`](crate::Client::network_changed).
pub(crate) struct Surroundings;

impl Surroundings {
    pub(crate) fn watch(_: &Arc<Shared>) -> Self {
        Self
    }
}
