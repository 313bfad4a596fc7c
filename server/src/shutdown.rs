//! Ending a server without losing what is under way.

use crate::core::Core;
use std::time::Duration;
use tsugi_proto::{Close, CloseCode};

/// Sessions that are told at a time; in between, others get the processor.
const BATCH: usize = 256;

/// How a shutdown went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    /// Every client was told and every handler finished.
    Clean,
    /// The time ran out. What was left is dropped with the runtime.
    TimedOut,
}

/// Refuses what is new, tells every client 1001 after what is queued for it, and waits for connections and handlers.
pub(crate) async fn shutdown(core: &Core, within: Duration) -> Shutdown {
    let deadline = tokio::time::Instant::now() + within;
    core.guard.close();
    let close = Close::because(CloseCode::GOING_AWAY, "server shutting down");
    for batch in core.hub.all().chunks(BATCH) {
        for peer in batch {
            peer.close(close.clone());
        }
        tokio::task::yield_now().await;
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
