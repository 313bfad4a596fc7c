//! A server for foreign clients and test suites, built from the library's public API alone: what is awkward to write here
//! is awkward for users.

mod events;
mod log;
mod sockets;
mod sockjs;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use log::Log;
use std::time::Duration;
use tsugi::{ConfigError, Server, SockJsProfile, Wire};

/// Every endpoint of the fixture.
pub struct Interop {
    servers: Vec<(&'static str, Server)>,
    log: Log,
    sockjs: Router<Log>,
}

impl Interop {
    /// Builds every endpoint. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the library refuses a setting that this fixture uses.
    pub fn new() -> Result<Self, ConfigError> {
        Self::with_sockjs(SockJsProfile::default())
    }

    /// As [`Interop::new`], with these bytes of SockJS.
    ///
    /// # Errors
    /// As there.
    pub fn with_sockjs(profile: SockJsProfile) -> Result<Self, ConfigError> {
        Self::with(profile, events::POLL_TIMEOUT)
    }

    /// As [`Interop::new`], with this poll timeout where it would be two seconds: recorded clients wait for it often.
    ///
    /// # Errors
    /// As there.
    pub fn with_poll_timeout(poll_timeout: Duration) -> Result<Self, ConfigError> {
        Self::with(SockJsProfile::default(), poll_timeout)
    }

    fn with(profile: SockJsProfile, poll_timeout: Duration) -> Result<Self, ConfigError> {
        let log = Log::default();
        Ok(Self { servers: events::endpoints(&log, poll_timeout)?, sockjs: sockjs::routes(profile)?, log })
    }

    /// The routes of everything.
    pub fn app(&self) -> Router {
        let mut app = Router::new();
        for (path, server) in &self.servers {
            app = match *path {
                "/chsk-v1" => older(app, path, server, Wire::SenteV1),
                "/chsk-v2" => older(app, path, server, Wire::SenteV2),
                _ => app.route_service(path, server.service()),
            };
            // What was recorded of older versions asks for other settings too.
            app = older(app, &format!("/v1{path}"), server, Wire::SenteV1);
            app = older(app, &format!("/v2{path}"), server, Wire::SenteV2);
        }
        let listed = self.servers.clone();
        app.merge(sockets::routes())
            .merge(self.sockjs.clone())
            .route("/log", get(async |State(log): State<Log>| log.take()))
            .route("/conns", get(async move || log::connected(&listed)))
            .with_state(self.log.clone())
    }

    /// Closes every connection, within two seconds for each endpoint.
    pub async fn stop(&self) {
        for (_, server) in &self.servers {
            server.shutdown(Duration::from_secs(2)).await;
        }
    }
}

/// Mounts a server for clients of an older Sente, if its codec is one that those could have.
fn older(app: Router<Log>, path: &str, server: &Server, wire: Wire) -> Router<Log> {
    match server.service_for(wire) {
        Ok(service) => app.route_service(path, service),
        Err(_) => app,
    }
}
