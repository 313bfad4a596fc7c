//! A chat for the browser, as an example of a whole application on Tsugi: a name, rooms, history, who is online, and
//! several devices of one person in step. `db` and `store` remember, `events` are the conversation over the channel,
//! `web` is what comes before it: the page, and the cookie that says who somebody is.

pub mod db;
pub mod devices;
pub mod events;
pub mod limits;
pub mod online;
pub mod pace;
pub mod page;
pub mod secret;
pub mod store;
pub mod text;
pub mod web;

use axum::Router;
use devices::Codes;
use pace::Pace;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use store::Store;
use tsugi::Server;

/// What handlers share.
#[derive(Clone)]
pub struct App {
    /// What is remembered.
    pub store: Store,
    /// Codes that let another device in.
    pub codes: Arc<Codes>,
    /// How fast everybody talks.
    pub pace: Arc<Pace>,
}

/// The whole application, and the channel server that is to be shut down before the web server.
///
/// # Errors
/// When the channel server's configuration is wrong, which would be a mistake of this program.
pub fn app(store: Store) -> Result<(Router, Server), tsugi::ConfigError> {
    let app = App { store, codes: Arc::default(), pace: Arc::default() };
    let server = Server::builder()
        .identify_async({
            let app = app.clone();
            move |request| web::identify(app.clone(), request)
        })
        .router(events::router().with_state(app.clone()))
        .build()?;
    tokio::spawn(online::announce(server.clone(), app.store.clone()));
    let router = web::router(app, server.clone()).route_service("/chsk", server.service());
    Ok((router.layer(axum::middleware::map_response(web::secure)), server))
}

/// Milliseconds since 1970.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
