//! Ending a server without losing what is under way.

use crate::core::Core;
use std::time::Duration;
use tsugi_proto::{Close, CloseCode};

/// Sessions that are told at a time; in between, others get the processor.
const BATCH: usize = 256;

/// The time in which a server of few clients takes one of them back.
const EACH: Duration = Duration::from_millis(10);

/// When each of so many clients is to come back: evenly over the time, so that they come one by one.
fn slots(clients: usize, within: Duration) -> impl Iterator<Item = Duration> {
    let count = u32::try_from(clients).unwrap_or(u32::MAX);
    let within = within.min(EACH.saturating_mul(count));
    (1..=count).map(move |turn| within.mul_f64(f64::from(turn) / f64::from(count)))
}

/// How a shutdown went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    /// Every client was told and every handler finished.
    Clean,
    /// The time ran out. What was left is dropped with the runtime.
    TimedOut,
}

/// Refuses what is new, tells every client 1001 after what is queued for it, and when to come back, and waits for connections
/// and handlers.
pub(crate) async fn shutdown(core: &Core, within: Duration) -> Shutdown {
    let deadline = tokio::time::Instant::now() + within;
    let reconnect = core.config.times.reconnect;
    core.guard.close(reconnect);
    let close = Close::because(CloseCode::GOING_AWAY, "server shutting down");
    let peers = core.hub.all();
    let mut slots = slots(peers.len(), reconnect);
    for (index, (peer, slot)) in peers.iter().zip(&mut slots).enumerate() {
        peer.dismiss(close.clone(), slot);
        if index % BATCH == BATCH - 1 {
            tokio::task::yield_now().await;
        }
    }
    core.tasks.close();
    match tokio::time::timeout_at(deadline, core.tasks.wait()).await {
        Ok(()) => Shutdown::Clean,
        Err(_) => {
            tracing::warn!(target: "tsugi", left = core.tasks.len(), "shutdown ran out of time");
            Shutdown::TimedOut
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_clients_get_a_thousand_moments_spread_evenly_over_the_time() {
        let window = Duration::from_secs(10);
        let all: Vec<_> = slots(1_000, window).collect();
        assert_eq!(all.len(), 1_000);
        assert!(all.is_sorted_by(|one, next| *next - *one > Duration::from_millis(9)));
        for second in 0..10 {
            let from = Duration::from_secs(second);
            let come = all.iter().filter(|slot| **slot > from && **slot <= from + Duration::from_secs(1)).count();
            assert!((99..=101).contains(&come), "{come} in second {second}");
        }
        assert_eq!(all.last(), Some(&window));
    }

    #[test]
    fn few_clients_do_not_wait_for_long_and_none_where_nobody_may() {
        assert_eq!(slots(3, Duration::from_secs(10)).last(), Some(Duration::from_millis(30)));
        assert_eq!(slots(0, Duration::from_secs(10)).count(), 0);
        assert!(slots(5, Duration::ZERO).all(|slot| slot.is_zero()));
    }
}
