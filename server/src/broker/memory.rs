//! The broker of a server that runs alone, or of several in one process.

use super::{Broker, BrokerError, Delivery, Envelope, Sink};
use crate::future::BoxFuture;
use crate::topics::Topic;
use parking_lot::RwLock;
use std::sync::Arc;

/// Hands what is published straight to the nodes of this process. The default.
///
/// Every node gets the envelopes of every topic: each looks into its own registry anyway, and that costs no more than
/// looking here first.
#[derive(Clone, Default)]
pub struct Memory {
    /// Read for every publish, written when a node starts; never held while a sink runs.
    nodes: Arc<RwLock<Arc<[Sink]>>>,
}

impl Memory {
    /// A bus of its own, with one node to come.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another node on the same bus: give it to a second server in this process, as tests of several nodes do.
    #[must_use]
    pub fn sibling(&self) -> Self {
        self.clone()
    }
}

impl Broker for Memory {
    fn start(&self, sink: Sink) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            let mut nodes = self.nodes.write();
            *nodes = nodes.iter().cloned().chain([sink]).collect();
            Ok(())
        })
    }

    fn publish(&self, envelope: Envelope) -> BoxFuture<'_, Result<Delivery, BrokerError>> {
        Box::pin(async move {
            let nodes = self.nodes.read().clone();
            let sessions = nodes.iter().map(|sink| sink(envelope.clone()).sessions).sum();
            Ok(Delivery { sessions })
        })
    }

    fn subscribe<'b>(&'b self, _topic: &'b Topic) -> BoxFuture<'b, Result<(), BrokerError>> {
        Box::pin(async { Ok(()) })
    }

    fn unsubscribe<'b>(&'b self, _topic: &'b Topic) -> BoxFuture<'b, Result<(), BrokerError>> {
        Box::pin(async { Ok(()) })
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("nodes", &self.nodes.read().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::broker_suite!({
        let one = Memory::new();
        let other = one.sibling();
        (one, other)
    });

    #[tokio::test]
    async fn what_is_published_reports_the_sessions_of_all_nodes() {
        let bus = Memory::new();
        for _ in 0..2 {
            bus.start(Arc::new(|_| Delivery { sessions: 3 })).await.unwrap();
        }
        let close = crate::broker::Command::Close(tsugi_proto::Close::because(tsugi_proto::CloseCode::NORMAL, ""));
        let envelope = Envelope::new(crate::broker::Target::Everyone, close);
        assert_eq!(bus.publish(envelope).await.unwrap(), Delivery { sessions: 6 });
    }
}
