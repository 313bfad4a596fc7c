//! What was measured, as one line of JSON.

use crate::Outcome;
use crate::plan::Plan;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// CPU time in nanoseconds of all threads that a process has now (`/proc/PID/task/TID/schedstat`, first field). The
/// scheduler's own count: `/proc/PID/stat` has hundredths of a second, too coarse for what an idle server uses.
pub(crate) fn cpu(process: &str) -> Outcome<u64> {
    let mut sum = 0;
    let tasks = format!("/proc/{process}/task");
    for thread in fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))? {
        let line = fs::read_to_string(thread?.path().join("schedstat"))?;
        sum += line.split(' ').next().ok_or("schedstat is empty")?.parse::<u64>()?;
    }
    Ok(sum)
}

/// A moment of a measurement.
pub(crate) struct Moment {
    at: Instant,
    count: u64,
    server: u64,
    own: u64,
}

impl Moment {
    pub(crate) fn now(plan: &Plan, count: u64) -> Outcome<Self> {
        Ok(Self { at: Instant::now(), count, server: cpu(&plan.pid.to_string())?, own: cpu("self")? })
    }

    /// What happened since. `more` is further members of the line.
    pub(crate) fn report(&self, plan: &Plan, count: u64, more: &str) -> Outcome {
        let now = Self::now(plan, count)?;
        println!(
            "{{\"count\":{},\"seconds\":{:.6},\"server_ns\":{},\"load_ns\":{}{more}}}",
            now.count - self.count,
            now.at.duration_since(self.at).as_secs_f64(),
            now.server.saturating_sub(self.server),
            now.own.saturating_sub(self.own),
        );
        Ok(())
    }
}

/// Warms up, measures, reports.
pub(crate) async fn measure(plan: &Plan, count: &AtomicU64) -> Outcome {
    tokio::time::sleep(plan.warm_up()).await;
    let before = Moment::now(plan, count.load(Relaxed))?;
    tokio::time::sleep(plan.length()).await;
    if count.load(Relaxed) == before.count {
        return Err("nothing came back".into());
    }
    before.report(plan, count.load(Relaxed), "")
}
