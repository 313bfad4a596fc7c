//! Every delay of a session, on one screen.

use crate::time::Instant;

/// What a session may be waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The batch window of the oldest waiting event ends.
    Flush,
    /// It is time for a heartbeat, unless the peer was heard.
    Heartbeat,
    /// The time to answer a ping ends.
    Pong,
    /// No carrier for so long that the peer counts as offline.
    Away,
    /// No carrier for so long that what was kept for the peer goes; or one that takes nothing of a session that is closing.
    Expire,
}

const ALL: [Timer; 5] = [Timer::Flush, Timer::Heartbeat, Timer::Pong, Timer::Away, Timer::Expire];
const NEVER: Instant = Instant::NEVER;

/// When each timer fires; one slot each, so that setting one twice moves it.
#[derive(Clone, Debug)]
pub(super) struct Timers([Instant; ALL.len()]);

impl Default for Timers {
    fn default() -> Self {
        Self([NEVER; ALL.len()])
    }
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = at;
    }

    /// Sets the timer unless it would already fire sooner.
    pub(super) fn set_earlier(&mut self, timer: Timer, at: Instant) {
        let slot = &mut self.0[timer as usize];
        *slot = (*slot).min(at);
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize] != NEVER
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.set(timer, NEVER);
    }

    pub(super) fn stop_all(&mut self) {
        *self = Self::default();
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().copied().min().filter(|at| *at != NEVER)
    }

    /// Takes one timer that is due, in the order of [`Timer`].
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let due = ALL.into_iter().find(|timer| self.0[*timer as usize] <= now)?;
        self.stop(due);
        Some(due)
    }
}
