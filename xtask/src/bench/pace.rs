//! How long a run takes: what is done how often so that it ends in time, and how much is left.

use super::catalogue::{Job, Kind, Over, Server};
use crate::shell::Outcome;
use std::fmt;
use std::time::{Duration, Instant};

/// How often each server has its turn at a job, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    rounds: u8,
    /// Of jobs of which one measurement takes long.
    long_rounds: u8,
    /// Of the length that a job usually has.
    length: f64,
    quick: bool,
}

/// Seconds from which on a measurement is a long one.
const LONG: f64 = 6.0;
/// What is tried in turn when a run must end in time: rather short measurements than fewer than three.
const TRIED: [(u8, u8, f64); 9] = [
    (5, 2, 1.0),
    (5, 1, 1.0),
    (4, 1, 1.0),
    (3, 1, 1.0),
    (3, 1, 0.75),
    (3, 1, 0.5),
    (3, 1, 0.3),
    (2, 1, 0.3),
    (1, 1, 0.3),
];

impl Pace {
    /// As many rounds as each job may have, up to this.
    pub(crate) fn of(rounds: u8, quick: bool) -> Self {
        Self { rounds, long_rounds: rounds, length: 1.0, quick }
    }

    /// The best that ends in so many minutes.
    pub(crate) fn within(minutes: u8, jobs: &[&Job], servers: &[&Server]) -> Outcome<Self> {
        let limit = 60.0 * f64::from(minutes);
        let tried = TRIED.map(|(rounds, long_rounds, length)| Self { rounds, long_rounds, length, quick: false });
        let found = tried.into_iter().find(|pace| pace.seconds(jobs, servers) <= limit);
        let least = tried[tried.len() - 1].seconds(jobs, servers) / 60.0;
        found.ok_or_else(|| {
            format!("one round of all of that takes {:.0} minutes: fewer jobs or servers, or more time", least.ceil())
        })
    }

    pub(crate) fn rounds(self, job: &Job) -> u8 {
        let rounds = if self.measurement(job) > LONG { self.long_rounds } else { self.rounds };
        // The memory of a quick run is the same each time.
        rounds.min(if self.quick && job.kind == Kind::Memory { 1 } else { job.most_rounds })
    }

    pub(crate) fn quick(self) -> bool {
        self.quick
    }

    /// Seconds that the load measures for.
    pub(crate) fn length(self, job: &Job) -> f64 {
        match (job.kind, job.quick) {
            (_, Some(quick)) if self.quick => quick,
            // As long as between two pings, or there is nothing to see.
            (Kind::Idle | Kind::Memory, _) => job.seconds,
            _ => job.seconds * self.length,
        }
    }

    /// About how many seconds one measurement takes, with its server's start, its clients' connecting and the warm-up.
    fn measurement(self, job: &Job) -> f64 {
        // Between what the fastest and the slowest server do.
        const CONNECTS: f64 = 1_500.0;
        let clients = if self.quick && job.kind == Kind::Memory { 2_000.0 } else { job.connections as f64 };
        let measured = if job.kind == Kind::Memory { 3.0 } else { 1.25 * self.length(job) };
        let connecting = if job.over == Over::LongPoll { 4.0 } else { 1.0 } * clients / CONNECTS;
        0.6 + measured + connecting
    }

    pub(crate) fn seconds(self, jobs: &[&Job], servers: &[&Server]) -> f64 {
        let turns = |job: &Job| servers.iter().filter(|server| job.suits(server)).count() as f64;
        jobs.iter().map(|job| turns(job) * f64::from(self.rounds(job)) * self.measurement(job)).sum()
    }
}

/// How far a run is.
pub(crate) struct Progress {
    pace: Pace,
    begun: Instant,
    expected: f64,
    done: f64,
}

impl Progress {
    pub(crate) fn begin(pace: Pace, jobs: &[&Job], servers: &[&Server]) -> Self {
        Self { pace, begun: Instant::now(), expected: pace.seconds(jobs, servers), done: 0.0 }
    }

    pub(crate) fn did(&mut self, job: &Job) {
        self.done += self.pace.measurement(job);
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// As much longer than expected as it has been until now.
    fn left(&self) -> f64 {
        let so_far = self.elapsed().as_secs_f64();
        let factor = if self.done > 20.0 { so_far / self.done } else { 1.0 };
        (self.expected - self.done).max(0.0) * factor
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.left().round() as u64;
        write!(f, "[{}:{:02} left]", left / 60, left % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{JOBS, SERVERS};
    use super::*;

    #[test]
    fn a_run_in_twenty_minutes_holds_every_job_and_ends_in_time() {
        let (jobs, servers): (Vec<&Job>, Vec<&Server>) = (JOBS.iter().collect(), SERVERS.iter().collect());
        let pace = Pace::within(20, &jobs, &servers).expect("twenty minutes are enough");
        assert!(pace.seconds(&jobs, &servers) <= 1_200.0);
        assert!(jobs.iter().all(|job| pace.rounds(job) >= 1));
        let whole = Pace::of(5, false);
        assert!(whole.seconds(&jobs, &servers) > 2_400.0, "{}", whole.seconds(&jobs, &servers));
        assert!(Pace::within(1, &jobs, &servers).is_err());
    }

    #[test]
    fn what_is_left_grows_with_how_slow_it_was() {
        let (jobs, servers): (Vec<&Job>, Vec<&Server>) = (JOBS.iter().collect(), SERVERS.iter().collect());
        let mut progress = Progress::begin(Pace::of(1, false), &jobs, &servers);
        assert!((progress.left() - progress.expected).abs() < 1e-9);
        progress.done = progress.expected / 2.0;
        progress.begun =
            Instant::now().checked_sub(Duration::from_secs_f64(progress.expected)).expect("the clock is not new");
        assert!((progress.left() - progress.expected).abs() < 1.0, "{}", progress.left());
    }
}
