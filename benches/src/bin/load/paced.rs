//! Messages at a fixed rate, whatever the server does: how long one takes.
//!
//! Each is timed from the moment at which it was meant to be sent. A server that stands still for a while is then seen by
//! all messages it kept waiting, not only by those that a waiting client happened to have sent.

use crate::Outcome;
use crate::dialect::Say;
use crate::jobs::{LARGE, Pings, SMALL, attend, check_all, failing, listen};
use crate::link::{check, open_all};
use crate::meter::Moment;
use crate::plan::{Job, Plan};
use crate::speech::Speech;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

/// Latencies that are kept; a plan that would bring more is refused.
const MOST: usize = 4_000_000;
/// How long the last answers are waited for. What comes later counts as lost.
const STRAGGLERS: Duration = Duration::from_secs(5);

/// When message number n is meant to be sent, and how long those took that count.
struct Schedule {
    start: Instant,
    every: Duration,
    /// The first number after the warm-up.
    from: u64,
    /// Microseconds.
    took: Mutex<Vec<u32>>,
    heard: AtomicU64,
}

impl Schedule {
    fn due(&self, number: u64) -> Instant {
        self.start + Duration::from_nanos(u64::try_from(self.every.as_nanos()).unwrap_or(u64::MAX) * number)
    }

    fn arrived(&self, number: u64, now: Instant) {
        if number >= self.from {
            let micros = now.saturating_duration_since(self.due(number)).as_micros();
            // Held for one push; nothing else is locked under it.
            let mut took = self.took.lock().unwrap_or_else(PoisonError::into_inner);
            took.push(u32::try_from(micros).unwrap_or(u32::MAX));
        }
        self.heard.fetch_add(1, Relaxed);
    }
}

pub(crate) async fn run(plan: &'static Plan, rate: u32) -> Outcome {
    let clients = plan.connections() as u64;
    let sent = |time: Duration| (time.as_secs_f64() * f64::from(rate)) as u64;
    let (from, total) = (sent(plan.warm_up()), sent(plan.warm_up() + plan.length()));
    let each = if plan.job == Job::Broadcast { clients } else { 1 };
    if (total - from).saturating_mul(each) > MOST as u64 {
        return Err("that would be more messages than are kept: a lower --rate, or fewer --seconds".into());
    }
    let mut streams = open_all(plan, 0..plan.connections(), false).await?;
    match plan.job {
        Job::Broadcast => check_all(plan, &mut streams, Say::Broadcast).await?,
        _ => check(plan, &mut streams[0], None, Say::Echo).await?,
    }
    let schedule = Arc::new(Schedule {
        start: Instant::now() + Duration::from_millis(20),
        every: Duration::from_secs(1) / rate,
        from,
        took: Mutex::default(),
        heard: AtomicU64::new(0),
    });
    let writers = match plan.job {
        Job::Broadcast => vec![listen(plan.dialect, streams, |_| numbered(schedule.clone(), 0, 1))?],
        _ => listen_each(plan, streams, &schedule),
    };
    send(plan, writers, &schedule, total, each).await
}

/// Takes the messages of one client, which are the numbers from `first` in steps: a server keeps their order.
fn numbered(schedule: Arc<Schedule>, first: u64, step: u64) -> impl FnMut(u64) + Send + 'static {
    let mut number = first;
    move |came| {
        let now = Instant::now();
        for _ in 0..came {
            schedule.arrived(number, now);
            number += step;
        }
    }
}

fn listen_each(plan: &'static Plan, streams: Vec<TcpStream>, schedule: &Arc<Schedule>) -> Vec<OwnedWriteHalf> {
    let step = streams.len() as u64;
    let each = streams.into_iter().zip(0..);
    each.map(|(stream, first)| {
        let (reader, writer) = stream.into_split();
        let came = numbered(schedule.clone(), first, step);
        // These measurements are over before a server asks whether a client is there.
        tokio::spawn(failing(attend(plan.dialect, Pings::Alone, tokio::io::join(reader, tokio::io::sink()), came)));
        writer
    })
    .collect()
}

async fn send(plan: &Plan, mut writers: Vec<OwnedWriteHalf>, schedule: &Schedule, total: u64, each: u64) -> Outcome {
    let (say, size) = if plan.job == Job::Broadcast { (Say::Broadcast, LARGE) } else { (Say::Echo, SMALL) };
    let mut speeches: Vec<_> = writers.iter().map(|_| Speech::new(plan.dialect, say, size)).collect();
    let (mut before, mut late) = (None, Vec::new());
    for number in 0..total {
        let due = schedule.due(number);
        // Timers here have whole milliseconds, so the last stretch is waited for awake. The generator's own CPU time says
        // nothing then; how late it sent does.
        while Instant::now() < due {
            tokio::task::yield_now().await;
        }
        if number >= schedule.from {
            if before.is_none() {
                before = Some(Moment::now(plan, number * each)?);
            }
            late.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        let at = usize::try_from(number % writers.len() as u64)?;
        writers[at].write_all(speeches[at].next(1)).await?;
    }
    let end = Instant::now();
    while schedule.heard.load(Relaxed) < total * each && end.elapsed() < STRAGGLERS {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut took = std::mem::take(&mut *schedule.took.lock().unwrap_or_else(PoisonError::into_inner));
    let lost = (total * each).saturating_sub(schedule.heard.load(Relaxed));
    took.sort_unstable();
    late.sort_unstable();
    let more = format!(
        ",\"p50_us\":{},\"p90_us\":{},\"p99_us\":{},\"p999_us\":{},\"max_us\":{},\"lost\":{lost},\"late_p99_us\":{}",
        percentile(&took, 0.5)?,
        percentile(&took, 0.9)?,
        percentile(&took, 0.99)?,
        percentile(&took, 0.999)?,
        percentile(&took, 1.0)?,
        percentile(&late, 0.99)?,
    );
    before.ok_or("nothing was measured")?.report(plan, total * each, &more)
}

/// Of values in ascending order, by nearest rank.
fn percentile(sorted: &[u32], part: f64) -> Outcome<u32> {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().ok_or_else(|| "nothing came back".into())
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let values: Vec<u32> = (1..=200).collect();
        let of = |part| percentile(&values, part).expect("there are values");
        assert_eq!((of(0.5), of(0.99), of(0.999), of(1.0)), (100, 198, 200, 200));
        assert!(percentile(&[], 0.5).is_err());
    }
}
