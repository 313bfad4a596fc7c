//! The only place that refuses a request. It looks at GET, POST, upgrade and CONNECT alike, since a GET attaches, fences
//! and drains.

use crate::config::{Access, Forwarded, Hooks, Identify, NativeClients, Origins};
use crate::error::Refusal;
use crate::identity::{ConnectRequest, Identity};
use http::StatusCode;
use http::header::{HOST, ORIGIN, REFERER};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// What kind of request it is, as far as the guard cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    WebSocket,
    Poll,
    Post,
    /// Any request of a SockJS session. Its clients cannot add headers, so what marks a poll of ours is not asked of them.
    SockJs,
}

/// Whether the CSRF token was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Csrf {
    /// It was right, or none is wanted.
    Settled,
    /// A Tsugi WebSocket and a SockJS session bring it in their first message; this is the right one.
    InHello(String),
}

/// A request that may come in.
#[derive(Clone)]
pub(crate) struct Admitted {
    pub(crate) request: Arc<ConnectRequest>,
    pub(crate) identity: Identity,
    pub(crate) csrf: Csrf,
}

/// Rules and counters of one service.
#[derive(Debug)]
pub(crate) struct Guard {
    access: Access,
    hooks: Hooks,
    max_handshakes: usize,
    handshakes: AtomicUsize,
    /// Once it is, everything is refused; and over how long those who are sent away should come back.
    closing: OnceLock<Duration>,
    sent_away: AtomicU64,
    refused: AtomicU64,
}

/// Seconds that a refused client should wait at least.
const RETRY_AFTER: u64 = 2;

/// A place among the handshakes in flight; dropping it gives the place back.
pub(crate) struct Place(Arc<Guard>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Guard {
    pub(crate) fn new(access: Access, hooks: Hooks, max_handshakes: usize) -> Arc<Self> {
        let handshakes = AtomicUsize::new(0);
        Arc::new(Self {
            access,
            hooks,
            max_handshakes,
            handshakes,
            closing: OnceLock::new(),
            sent_away: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// How many requests were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// From now on everything is refused with 503, and those who are refused are to come back one by one over so long.
    pub(crate) fn close(&self, reconnect: Duration) {
        // Whoever closed it first has said over how long.
        let _ = self.closing.set(reconnect);
    }

    /// Which pages may connect.
    pub(crate) fn origins(&self) -> &Origins {
        &self.access.origins
    }

    /// 503, with a time to come back after.
    pub(crate) fn busy(&self, text: &'static str) -> Refusal {
        Self::busy_for(RETRY_AFTER, text)
    }

    fn busy_for(seconds: u64, text: &'static str) -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text).header("retry-after", &seconds.to_string())
    }

    /// However many there are, the multiples of the golden ratio lie evenly.
    fn send_away(&self, reconnect: Duration) -> Refusal {
        let part = self.sent_away.fetch_add(1, Ordering::Relaxed) % 1_000 * 618 % 1_000;
        Self::busy_for(RETRY_AFTER + reconnect.as_secs() * part / 1_000, "Shutting down")
    }

    /// Takes a place among the handshakes in flight. Before anybody is identified, since that may be costly.
    pub(crate) fn place(self: &Arc<Self>) -> Result<Place, Refusal> {
        let taken = self.handshakes.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(self));
        if taken >= self.max_handshakes { Err(self.busy("Too many handshakes at once")) } else { Ok(place) }
    }

    /// Lets a request in, or says why not. The order is Sente's (sente.md 2.7): the client id was checked before.
    pub(crate) async fn admit(&self, request: Arc<ConnectRequest>, kind: Kind) -> Result<Admitted, Refusal> {
        let admitted = self.judge(request, kind).await;
        if let Err(refusal) = &admitted {
            self.refused.fetch_add(1, Ordering::Relaxed);
            tracing::info!(target: "tsugi", status = refusal.status().as_u16(), why = refusal.text(), "request refused");
        }
        admitted
    }

    async fn judge(&self, request: Arc<ConnectRequest>, kind: Kind) -> Result<Admitted, Refusal> {
        if let Some(reconnect) = self.closing.get() {
            return Err(self.send_away(*reconnect));
        }
        if let Some(refusal) = self.hooks.reject.as_ref().and_then(|reject| reject(&request)) {
            return Err(refusal);
        }
        let csrf = self.check_csrf(&request, kind)?;
        self.check_host(&request)?;
        self.check_origin(&request, kind)?;
        let identity = match &self.hooks.identify {
            Identify::Now(identify) => identify(&request)?,
            Identify::Later(identify) => identify(Arc::clone(&request)).await?,
        };
        Ok(Admitted { request, identity, csrf })
    }

    fn check_csrf(&self, request: &ConnectRequest, kind: Kind) -> Result<Csrf, Refusal> {
        let Some(hook) = &self.hooks.csrf else { return Ok(Csrf::Settled) };
        let bad = || Refusal::new(StatusCode::FORBIDDEN, "Bad CSRF token");
        // No reference token refuses everybody: a session that was lost must not open the door.
        let right = hook(request).ok_or_else(bad)?;
        match given_token(request) {
            Some(given) if same_token(given, &right) => Ok(Csrf::Settled),
            None if kind == Kind::WebSocket && asks_for_tsugi(request) => Ok(Csrf::InHello(right)),
            None if kind == Kind::SockJs => Ok(Csrf::InHello(right)),
            _ => Err(bad()),
        }
    }

    /// Against DNS rebinding: a page of another name that resolves to this server.
    fn check_host(&self, request: &ConnectRequest) -> Result<(), Refusal> {
        if self.access.allowed_hosts.is_empty() {
            return Ok(());
        }
        let host = self.host(request).unwrap_or_default();
        let known =
            self.access.allowed_hosts.iter().any(|allowed| {
                allowed.eq_ignore_ascii_case(&host) || allowed.eq_ignore_ascii_case(without_port(&host))
            });
        if known { Ok(()) } else { Err(Refusal::new(StatusCode::FORBIDDEN, "Unknown host")) }
    }

    fn check_origin(&self, request: &ConnectRequest, kind: Kind) -> Result<(), Refusal> {
        let allowed = match &self.access.origins {
            Origins::Any => true,
            Origins::List(list) => self.is_listed(request, list),
            Origins::Same => self.is_same(request),
        };
        if !allowed {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "Unauthorized origin"));
        }
        // Without a token, a header that no cross-site form or image can send must tell a poll from a mere GET.
        let must_be_marked = kind == Kind::Poll && self.access.origins == Origins::Same && self.hooks.csrf.is_none();
        if must_be_marked && request.header("x-requested-with").is_none() {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "A poll needs the header X-Requested-With: XMLHttpRequest",
            ));
        }
        Ok(())
    }

    /// Exactly the list; without `Origin`, a `Referer` below one of them (sente.md 17.3).
    fn is_listed(&self, request: &ConnectRequest, list: &[String]) -> bool {
        if let Some(origin) = raw(request, &ORIGIN) {
            return list.iter().any(|allowed| allowed == origin);
        }
        match raw(request, &REFERER) {
            Some(referer) => list
                .iter()
                .any(|allowed| referer.strip_prefix(allowed.as_str()).is_some_and(|rest| rest.starts_with('/'))),
            None => self.access.native_clients == NativeClients::Allow && !is_foreign(request),
        }
    }

    /// The host and port that the page came from are those that it asks. The scheme is not known behind a proxy.
    fn is_same(&self, request: &ConnectRequest) -> bool {
        if is_foreign(request) {
            return false;
        }
        let Some(host) = self.host(request) else { return false };
        match (raw(request, &ORIGIN), raw(request, &REFERER)) {
            (Some(origin), _) => same_host(origin, &host),
            (None, Some(referer)) => same_host(referer, &host),
            (None, None) => true,
        }
    }

    fn host(&self, request: &ConnectRequest) -> Option<String> {
        let forwarded = match self.access.forwarded {
            Forwarded::Trust => request.header("x-forwarded-host"),
            Forwarded::Ignore => None,
        };
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        forwarded.or_else(|| raw(request, &HOST)).or(authority).map(str::to_owned)
    }
}

fn raw<'r>(request: &'r ConnectRequest, name: &http::HeaderName) -> Option<&'r str> {
    // A header that is not text is there all the same, and matches nothing.
    request.headers().get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

/// The browser itself says that the page is of another site (Fetch Metadata). `same-site` is another origin too.
fn is_foreign(request: &ConnectRequest) -> bool {
    matches!(request.header("sec-fetch-site"), Some("cross-site" | "same-site"))
}

/// The first place that is present counts, as in Sente (sente.md 17.1).
fn given_token(request: &ConnectRequest) -> Option<&str> {
    let parameter = request.param("csrf-token");
    parameter.or_else(|| request.header("x-csrf-token")).or_else(|| request.header("x-xsrf-token"))
}

pub(crate) fn same_token(given: &str, right: &str) -> bool {
    given.as_bytes().ct_eq(right.as_bytes()).into()
}

/// Whether the client asks for the extension of docs/wire.md.
pub(crate) fn asks_for_tsugi(request: &ConnectRequest) -> bool {
    request.param("tsugi") == Some("1")
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a URL's or origin's host and port are `host`. A missing port is the default of the URL's scheme.
fn same_host(url: &str, host: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let default = match scheme {
        "http" | "ws" => "80",
        "https" | "wss" => "443",
        _ => return false,
    };
    normal(authority, default) == normal(host, default)
}

/// Compares whatever a client calls an origin with whatever it calls a host.
#[cfg(feature = "fuzzing")]
pub(crate) fn judge_url(url: &str, host: &str) {
    // Only a host that both spell alike, but for case and default port, is the same.
    if same_host(url, host) {
        let name = without_port(host).to_ascii_lowercase();
        assert!(url.to_ascii_lowercase().contains(&name), "{url:?} is not {host:?}");
    }
}

fn normal(authority: &str, default: &str) -> (String, String) {
    let name = without_port(authority);
    let port = authority.get(name.len() + 1..).filter(|port| !port.is_empty()).unwrap_or(default);
    (name.to_ascii_lowercase(), port.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_ports_are_the_same_as_none() {
        assert!(same_host("http://a.example", "a.example"));
        assert!(same_host("http://a.example:80", "a.example"));
        assert!(same_host("https://A.example", "a.example:443"));
        assert!(same_host("http://[::1]:3000/page", "[::1]:3000"));
        assert!(!same_host("http://a.example:8080", "a.example"));
        assert!(!same_host("http://a.example.evil.example", "a.example"));
        assert!(!same_host("null", "a.example"));
        assert!(!same_host("file:///etc", ""));
    }
}
