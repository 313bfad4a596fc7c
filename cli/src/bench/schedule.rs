//! When what is due: fixed in advance, whatever the server does.

use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// When each of a fixed number of messages is due, in turn over the connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    start: Instant,
    rate: f64,
    total: u64,
    connections: usize,
}

/// What one connection keeps to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long a reply may take.
    pub(crate) timeout: Duration,
    /// Messages that may be unanswered.
    pub(crate) in_flight: usize,
}

/// The messages of one connection.
#[derive(Debug)]
pub(crate) struct Turns {
    schedule: Schedule,
    next: u64,
    /// Rung when one of them is due.
    pub(crate) bell: Arc<Notify>,
}

impl Schedule {
    /// Begins now.
    pub(crate) fn new(rate: f64, duration: Duration, connections: usize) -> Self {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and no run is that long")]
        let total = (rate * duration.as_secs_f64()).round() as u64;
        Self { start: Instant::now(), rate, total, connections }
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn at(&self, number: u64) -> Instant {
        #[allow(clippy::cast_precision_loss, reason = "a run has fewer than 2^53 messages")]
        let after = number as f64 / self.rate;
        self.start + Duration::from_secs_f64(after)
    }

    /// How many are due by `now`.
    pub(crate) fn due(&self, now: Instant) -> u64 {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and bounded by the total"
        )]
        let due = (now.saturating_duration_since(self.start).as_secs_f64() * self.rate).floor() as u64 + 1;
        due.min(self.total)
    }

    pub(crate) fn bells(&self) -> Vec<Arc<Notify>> {
        std::iter::repeat_with(Arc::default).take(self.connections).collect()
    }

    /// Whose turn a message is.
    pub(crate) fn connection(&self, number: u64) -> usize {
        usize::try_from(number % self.connections as u64).unwrap_or_default()
    }

    pub(crate) fn turns(&self, connection: usize, bells: &[Arc<Notify>]) -> Turns {
        Turns { schedule: *self, next: connection as u64, bell: Arc::clone(&bells[connection]) }
    }
}

impl Turns {
    /// When the next message was due, if it is; and then the one after it is next.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Instant> {
        let due = self.due()?;
        (due <= now).then(|| {
            self.next += self.schedule.connections as u64;
            due
        })
    }

    /// When the next one is due; `None` behind the last.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.next < self.schedule.total).then(|| self.schedule.at(self.next))
    }

    /// How many are left of those that are due by `now`.
    pub(crate) fn left(&mut self, now: Instant) -> u64 {
        let mut left = 0;
        while self.take(now).is_some() {
            left += 1;
        }
        left
    }

    /// When the last of all is due.
    pub(crate) fn end(&self) -> Instant {
        self.schedule.at(self.schedule.total)
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;
    use std::time::Duration;

    #[test]
    fn connections_take_turns_and_nothing_is_due_twice_or_never() {
        let schedule = Schedule::new(50.0, Duration::from_secs(2), 3);
        let bells = schedule.bells();
        let end = schedule.at(1_000);
        let mut dues = Vec::new();
        for connection in 0..3 {
            let mut turns = schedule.turns(connection, &bells);
            assert_eq!(turns.take(schedule.start - Duration::from_millis(1)), None);
            while let Some(due) = turns.take(end) {
                dues.push(due.duration_since(schedule.start).as_millis());
            }
            assert_eq!(turns.due(), None);
        }
        dues.sort_unstable();
        assert_eq!(dues, (0..100).map(|n| n * 20).collect::<Vec<_>>());
        assert_eq!(schedule.due(schedule.start + Duration::from_millis(45)), 3);
        assert_eq!(schedule.due(end), 100);
    }
}
