//! What the application saw.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tsugi::{Call, FromCall, FromRef, Raw, Server};
use tsugi_proto::codec::edn;

/// The most lines that are kept; older ones go.
const MAX_LINES: usize = 10_000;

/// One line for each thing the application saw since the log was last taken. Locked for a push or a take.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn take(&self) -> String {
        let lines = self.0.lock().map(|mut lines| std::mem::take(&mut *lines)).unwrap_or_default();
        lines.into_iter().map(|line| line + "\n").collect()
    }

    fn push(&self, line: String) {
        if let Ok(mut lines) = self.0.lock() {
            if lines.len() >= MAX_LINES {
                lines.remove(0);
            }
            lines.push(line);
        }
    }
}

/// The most that is written down, and the most names under which it is.
const MAX_NUMBERS: usize = 100_000;
const MAX_NAMES: usize = 1_000;

/// Which numbers were handled, in order, by the name of who sent them. Locked for a push or a copy.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<HashMap<String, Vec<i64>>>>);

impl Tally {
    pub(crate) fn note(&self, who: String, number: i64) {
        let Ok(mut all) = self.0.lock() else { return };
        if all.len() >= MAX_NAMES && !all.contains_key(&who) {
            return;
        }
        let numbers = all.entry(who).or_default();
        if numbers.len() < MAX_NUMBERS {
            numbers.push(number);
        }
    }

    pub(crate) fn of(&self, who: &str) -> Vec<i64> {
        self.0.lock().ok().and_then(|all| all.get(who).cloned()).unwrap_or_default()
    }
}

/// What every handler sees: the endpoint it is on and the log. Taking it as the first argument writes the line.
#[derive(Clone)]
pub(crate) struct Seen;

/// The state of one endpoint's router.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    pub(crate) log: Log,
    pub(crate) tally: Tally,
}

impl FromRef<Endpoint> for Tally {
    fn from_ref(endpoint: &Endpoint) -> Self {
        endpoint.tally.clone()
    }
}

impl FromCall<Endpoint> for Seen {
    type Rejection = tsugi::Failure;

    async fn from_call(call: &mut Call, endpoint: &Endpoint) -> Result<Self, tsugi::Failure> {
        let data = if call.has_data() { Some(Raw::from_call(call, endpoint).await?.0) } else { None };
        let data = data.map_or_else(String::new, |data| format!(" {}", edn::write(&data).unwrap_or_default()));
        let context = call.context();
        let user = context.user.as_ref().map_or(":sente/nil-uid".to_owned(), |user| format!("{:?}", user.as_str()));
        let client = context.client.as_str();
        let (path, id, asked) = (endpoint.path, call.id(), call.is_asked());
        endpoint.log.push(format!("{path} event [:{id}{data}] uid {user} client {client} reply? {asked}"));
        Ok(Self)
    }
}

/// Who is connected where, a line for each endpoint.
pub(crate) fn connected(servers: &[(&'static str, Server)]) -> String {
    let mut lines = String::new();
    for (path, server) in servers {
        let online = server.users().snapshot();
        let names = |users: &std::collections::HashSet<tsugi::UserId>| {
            let mut names: Vec<&str> = users.iter().map(tsugi::UserId::as_str).collect();
            names.sort_unstable();
            names.join(",")
        };
        let (ws, poll, any) = (names(&online.ws), names(&online.poll), names(&online.any));
        let anonymous = online.anonymous;
        let sessions = server.sessions();
        lines += &format!("{path} ws=[{ws}] ajax=[{poll}] any=[{any}] anonymous={anonymous} sessions={sessions}\n");
    }
    lines
}
