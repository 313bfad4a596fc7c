//! Waking connections when something of theirs is due.

use super::schedule::Schedule;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How soon an end is noticed.
const NAP: Duration = Duration::from_millis(20);

/// Rings for every message when it is due. In a thread of its own, since timers of the runtime are a millisecond coarse, which
/// would be counted as the server's. It ends with the last message, or when it is stopped.
pub(super) fn begin(schedule: Schedule, bells: Vec<Arc<Notify>>, stop: CancellationToken) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for number in 0..schedule.total() {
            let due = schedule.at(number);
            loop {
                if stop.is_cancelled() {
                    return;
                }
                let left = due.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                std::thread::sleep(left.min(NAP));
            }
            bells[schedule.connection(number)].notify_one();
        }
    })
}
