//! What a server counts, for whoever watches it. The names are part of the public face: see docs/deploying.md.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one server since it was built, and how many sessions there are now. A plain copy: take one whenever the
/// metrics are collected.
///
/// ```
/// # async fn run() -> Result<(), tsugi::ConfigError> {
/// let server = tsugi::Server::builder().build()?;
/// let metrics = server.metrics();
/// println!("tsugi_sessions {}", metrics.sessions);
/// println!("tsugi_queue_overflows_total {}", metrics.queue_overflows);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Sessions now, those included that are between two connections.
    pub sessions: u64,
    /// Sessions that began.
    pub sessions_opened: u64,
    /// Sessions that ended.
    pub sessions_closed: u64,
    /// HTTP requests that the guard refused, upgrades included.
    pub requests_refused: u64,
    /// Events of clients that were handed to the router.
    pub events_received: u64,
    /// Events handed to sessions: a push to a user with three clients counts three.
    pub events_pushed: u64,
    /// Queues that were full. The client was dropped with 3002.
    pub queue_overflows: u64,
    /// Volatile events that were left out, because a client did not keep up or was away.
    pub volatile_dropped: u64,
    /// Volatile events that a newer one with the same key took the place of.
    pub volatile_replaced: u64,
    /// Gaps that clients were told of.
    pub gaps: u64,
    /// Messages that could not be decoded. The connection was closed.
    pub undecodable: u64,
    /// Events in the protocol's own namespace, which no client may send.
    pub reserved: u64,
    /// Items of outboxes that came again and were not handled again.
    pub duplicates: u64,
    /// Sessions that clients named and were not given: gone, of an earlier start, made up, counted differently, or another's.
    /// They got a new one, or a 409. Some are usual after long absences and restarts.
    pub resumes_refused: u64,
    /// Those of them that live and are another's. Never usual: somebody has a secret that is not theirs, or a user changed
    /// under a page that stayed.
    pub resumes_foreign: u64,
}

/// Counts up. Each is touched once for a whole push or message, so that they cost nothing beside the work they count.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) opened: Counter,
    pub(crate) closed: Counter,
    pub(crate) received: Counter,
    pub(crate) pushed: Counter,
    pub(crate) overflows: Counter,
    pub(crate) volatile_dropped: Counter,
    pub(crate) volatile_replaced: Counter,
    pub(crate) gaps: Counter,
    pub(crate) undecodable: Counter,
    pub(crate) reserved: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) resumes_refused: Counter,
    pub(crate) resumes_foreign: Counter,
}

/// One number. Relaxed: nothing else is inferred from it.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn snapshot(&self, sessions: usize, refused: u64) -> Metrics {
        Metrics {
            sessions: sessions as u64,
            sessions_opened: self.opened.get(),
            sessions_closed: self.closed.get(),
            requests_refused: refused,
            events_received: self.received.get(),
            events_pushed: self.pushed.get(),
            queue_overflows: self.overflows.get(),
            volatile_dropped: self.volatile_dropped.get(),
            volatile_replaced: self.volatile_replaced.get(),
            gaps: self.gaps.get(),
            undecodable: self.undecodable.get(),
            reserved: self.reserved.get(),
            duplicates: self.duplicates.get(),
            resumes_refused: self.resumes_refused.get(),
            resumes_foreign: self.resumes_foreign.get(),
        }
    }
}
