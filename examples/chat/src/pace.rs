//! How fast one person may talk, on all of their devices together.

use crate::limits;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bucket for each person who spoke a moment ago. Locked for a look and a count.
#[derive(Debug, Default)]
pub struct Pace(Mutex<HashMap<i64, Bucket>>);

#[derive(Debug)]
struct Bucket {
    /// What may still be said at once.
    left: f64,
    at: Instant,
}

/// How long an empty bucket takes to be full again.
const REFILL: Duration = Duration::from_secs(limits::BURST / limits::PER_SECOND);

impl Pace {
    /// Whether this person may say something now; counts it when they may.
    pub fn allows(&self, person: i64, now: Instant) -> bool {
        // A panic in here leaves whole buckets.
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever was silent for long enough has a full bucket, which need not be remembered.
        if buckets.len() >= limits::ONLINE && !buckets.contains_key(&person) {
            buckets.retain(|_, bucket| now.duration_since(bucket.at) < REFILL);
        }
        let bucket = buckets.entry(person).or_insert(Bucket { left: limits::BURST as f64, at: now });
        let gained = now.duration_since(bucket.at).as_secs_f64() * limits::PER_SECOND as f64;
        bucket.left = (bucket.left + gained).min(limits::BURST as f64);
        bucket.at = now;
        let allowed = bucket.left >= 1.0;
        if allowed {
            bucket.left -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_fine_a_flood_is_not_and_silence_mends_it() {
        let (pace, start) = (Pace::default(), Instant::now());
        let allowed = |at: u64| pace.allows(1, start + Duration::from_millis(at));
        assert!((0..limits::BURST).all(|_| allowed(0)));
        assert!(!allowed(0));
        assert!(pace.allows(2, start), "others are not concerned");
        assert!(allowed(1_000) && allowed(1_000) && !allowed(1_000));
        assert!((0..limits::BURST).all(|_| allowed(60_000)));
    }
}
