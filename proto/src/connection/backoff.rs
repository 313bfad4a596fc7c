//! How long to wait before the next attempt: docs/wire.md, "A client's timing".

use std::time::Duration;

/// No wait is longer, and a hidden or offline page waits this long.
pub const CAP: Duration = Duration::from_secs(20);
const BASE: Duration = Duration::from_millis(500);
const LEAST: Duration = Duration::from_millis(100);

/// Full jitter: uniformly random below a bound that doubles to [`CAP`], but never at once. `attempt` counts from 0;
/// `random` is in 0 … 1.
#[must_use]
pub fn backoff(attempt: u32, random: f64) -> Duration {
    let doubled = 2_u32.checked_pow(attempt).and_then(|factor| BASE.checked_mul(factor));
    let bound = doubled.map_or(CAP, |bound| bound.min(CAP));
    bound.mul_f64(random.clamp(0.0, 1.0)).max(LEAST)
}
