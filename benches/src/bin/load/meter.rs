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

/// Nanoseconds that the machine's cores worked for anybody, or were kept from it by another machine (`/proc/stat`). It
/// counts in hundredths of a second: enough to see who disturbed a measurement.
fn machine() -> Outcome<u64> {
    const TICK: u64 = 10_000_000;
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().ok_or("/proc/stat is empty")?;
    let ticks: Vec<u64> = line.split_whitespace().skip(1).map(str::parse).collect::<Result<_, _>>()?;
    // user nice system idle iowait irq softirq steal; those of guests are in user and nice.
    let busy = ticks.iter().take(8).enumerate().filter(|(at, _)| *at != 3 && *at != 4).map(|(_, ticks)| ticks);
    Ok(busy.sum::<u64>() * TICK)
}

/// A moment of a measurement.
pub(crate) struct Moment {
    at: Instant,
    count: u64,
    server: u64,
    own: u64,
    machine: u64,
}

impl Moment {
    pub(crate) fn now(plan: &Plan, count: u64) -> Outcome<Self> {
        let (server, own) = (cpu(&plan.pid.to_string())?, cpu("self")?);
        Ok(Self { at: Instant::now(), count, server, own, machine: machine()? })
    }

    /// What happened since. `more` is further members of the line.
    pub(crate) fn report(&self, plan: &Plan, count: u64, more: &str) -> Outcome {
        let now = Self::now(plan, count)?;
        let (server, own) = (now.server.saturating_sub(self.server), now.own.saturating_sub(self.own));
        println!(
            "{{\"count\":{},\"seconds\":{:.6},\"server_ns\":{server},\"load_ns\":{own},\"others_ns\":{}{more}}}",
            now.count - self.count,
            now.at.duration_since(self.at).as_secs_f64(),
            (now.machine - self.machine).saturating_sub(server + own),
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
