//! Tells everybody who comes and goes.

use crate::db::Person;
use crate::limits;
use crate::store::Store;
use serde::Serialize;
use std::collections::HashSet;
use tsugi::users::Change;
use tsugi::{Event, Server, UserId};

/// The data of `chat/online`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Online {
    Came(Person),
    Went { id: i64 },
    All(Everybody),
}

/// Who is online, as far as they are listed.
#[derive(Debug, Serialize)]
pub struct Everybody {
    /// At most [`limits::ONLINE`].
    pub people: Vec<Person>,
    /// How many there really are.
    pub count: usize,
}

/// Everybody who is online, by name.
pub async fn everybody(users: HashSet<UserId>, store: &Store) -> Everybody {
    let count = users.len();
    let ids: Vec<i64> = users.iter().take(limits::ONLINE).filter_map(number).collect();
    let asked = store.ask(move |db| Ok(ids.into_iter().filter_map(|id| db.person(id).ok()).collect())).await;
    let people = asked.unwrap_or_else(|error| {
        tracing::error!(%error, "who is online cannot be named");
        Vec::new()
    });
    Everybody { people, count }
}

/// Broadcasts every change as `chat/online`, until the server is gone. A watcher that fell behind starts again with
/// everybody.
pub async fn announce(server: Server, store: Store) {
    loop {
        let (online, mut changes) = server.users().watch();
        broadcast(&server, Online::All(everybody(online.any, &store).await)).await;
        loop {
            let event = match changes.recv().await {
                Some(Ok(Change::Online(user))) => came(&user, &store).await,
                Some(Ok(Change::Offline(user))) => number(&user).map(|id| Online::Went { id }),
                Some(Err(lagged)) => {
                    tracing::warn!(%lagged, "announcing everybody again");
                    break;
                }
                None => return,
            };
            if let Some(event) = event {
                broadcast(&server, event).await;
            }
        }
    }
}

async fn came(user: &UserId, store: &Store) -> Option<Online> {
    let id = number(user)?;
    store.ask(move |db| db.person(id)).await.map(Online::Came).ok()
}

async fn broadcast(server: &Server, online: Online) {
    if let Err(error) = server.broadcast(Event::new("chat/online", &online)).await {
        tracing::error!(%error, "nobody was told who is online");
    }
}

/// The number of a person; user ids are made of them.
pub fn number(user: &UserId) -> Option<i64> {
    user.as_str().parse().ok()
}
