//! What happened, counted.

use crate::end::End;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Kinds of failures that are told apart; the rest is counted together.
const KINDS: usize = 20;
/// The longest latency there is a number for.
const LONGEST: Duration = Duration::from_secs(3_600);

/// What all connections count. Locked for one message; at the rates that one process can send that is never long.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Clone, Debug)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    /// Messages that were due, and not sent to the end.
    pub(crate) unsent: u64,
    pub(crate) answered: u64,
    /// From when a message was due, and from when it was sent, in microseconds.
    pub(crate) from_due: Histogram<u64>,
    pub(crate) from_sent: Histogram<u64>,
    /// What connections took to open, in microseconds.
    pub(crate) opening: Histogram<u64>,
    /// The last answer.
    pub(crate) last: Option<Instant>,
    pub(crate) failures: BTreeMap<String, u64>,
    /// Connections that were never open.
    pub(crate) refusals: BTreeMap<String, u64>,
    /// Connections that were open, and lost.
    pub(crate) lost: u64,
    first: Option<End>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            sent: 0,
            unsent: 0,
            answered: 0,
            from_due: histogram(),
            from_sent: histogram(),
            opening: histogram(),
            last: None,
            failures: BTreeMap::new(),
            refusals: BTreeMap::new(),
            lost: 0,
            first: None,
        }
    }
}

impl Tally {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Counting does not panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connected(&self, took: Duration) {
        self.counts().opening.saturating_record(micros(took));
    }

    pub(crate) fn refused(&self, end: End) {
        let mut counts = self.counts();
        count(&mut counts.refusals, &end.to_string());
        counts.first.get_or_insert(end);
    }

    pub(crate) fn lost(&self) {
        self.counts().lost += 1;
    }

    pub(crate) fn sent(&self) {
        self.counts().sent += 1;
    }

    pub(crate) fn answered(&self, due: Instant, sent: Instant) {
        let now = Instant::now();
        let mut counts = self.counts();
        counts.answered += 1;
        counts.from_due.saturating_record(micros(now - due));
        counts.from_sent.saturating_record(micros(now - sent));
        counts.last = Some(now);
    }

    pub(crate) fn failed(&self, why: &str) {
        count(&mut self.counts().failures, why);
    }

    pub(crate) fn unsent(&self, count: u64) {
        self.counts().unsent += count;
    }

    /// Why nobody could connect, if nobody could.
    pub(crate) fn first_refusal(&self) -> Option<End> {
        let counts = self.counts();
        if counts.opening.is_empty() { counts.first.clone() } else { None }
    }

    pub(crate) fn snapshot(&self) -> Counts {
        self.counts().clone()
    }

    /// Connections, messages sent, answers and failures, for a progress bar.
    pub(crate) fn glance(&self) -> (u64, u64, u64, u64) {
        let counts = self.counts();
        (counts.opening.len(), counts.sent, counts.answered, counts.failures.values().sum())
    }
}

fn count(kinds: &mut BTreeMap<String, u64>, kind: &str) {
    let kind = if kinds.contains_key(kind) || kinds.len() < KINDS { kind } else { "other" };
    *kinds.entry(kind.to_owned()).or_default() += 1;
}

fn histogram() -> Histogram<u64> {
    #[allow(clippy::expect_used, reason = "the bounds are written here")]
    Histogram::new_with_bounds(1, micros(LONGEST), 3).expect("bounds of a histogram")
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
