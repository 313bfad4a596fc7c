//! The seam between nodes: what one node says reaches all of them.

pub mod memory;

use crate::future::BoxFuture;
use crate::identity::{Client, ClientId, SessionId, UserId};
use crate::topics::Topic;
use std::sync::Arc;
use thiserror::Error;
use tsugi_proto::{Close, Event};

pub use tsugi_proto::session::Durability;

/// Whom something is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// Every client of a user.
    User(UserId),
    /// One client. Its sessions, if it has more than one for a moment, all count.
    Client(Client),
    /// One session.
    Session(SessionId),
    /// Every client without a user.
    Anonymous,
    /// Every client.
    Everyone,
    /// Every client that is subscribed to a topic.
    Topic(Topic),
}

impl From<&UserId> for Target {
    fn from(user: &UserId) -> Self {
        Self::User(user.clone())
    }
}

impl From<&Client> for Target {
    fn from(client: &Client) -> Self {
        Self::Client(client.clone())
    }
}

impl From<(&UserId, &ClientId)> for Target {
    fn from((user, id): (&UserId, &ClientId)) -> Self {
        Self::Client(Client { user: Some(user.clone()), id: id.clone() })
    }
}

impl From<SessionId> for Target {
    fn from(session: SessionId) -> Self {
        Self::Session(session)
    }
}

impl From<&Topic> for Target {
    fn from(topic: &Topic) -> Self {
        Self::Topic(topic.clone())
    }
}

/// When a pushed event leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// When the batch window of its session closes.
    #[default]
    Window,
    /// At once, together with what was waiting before it.
    Now,
}

/// What happens to the clients of an [`Envelope`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// They get an event; those of them that do not keep up perhaps not.
    Push(Event, Flush, Durability),
    /// Their sessions are closed.
    Close(Close),
}

/// What crosses from node to node.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Envelope {
    /// To whom.
    pub target: Target,
    /// What.
    pub command: Command,
}

impl Envelope {
    /// Addresses a command.
    #[must_use]
    pub fn new(target: Target, command: Command) -> Self {
        Self { target, command }
    }
}

/// How far something came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Sessions that took it: as many as the broker can know, those of this node at least. None is not an error:
    /// nobody was there.
    pub sessions: usize,
}

/// The broker could not do its work, for a reason outside of this process as a rule; it may work when tried again.
#[derive(Clone, Debug, Error)]
#[error("the broker failed: {0}")]
pub struct BrokerError(pub Arc<str>);

impl BrokerError {
    /// With a text that says what went wrong.
    #[must_use]
    pub fn new(what: impl Into<Arc<str>>) -> Self {
        Self(what.into())
    }
}

/// The node's end of a broker: it is called with each envelope that arrives, and returns at once.
pub type Sink = Arc<dyn Fn(Envelope) -> Delivery + Send + Sync>;

/// Carries envelopes between the nodes of one application. An extension point: an implementation is done when
/// [`broker_suite!`](crate::broker_suite) passes.
///
/// What it promises: an envelope that one task publishes, and then another, arrive at each node in this order, at most
/// once each, on the publishing node too. Those for a topic arrive at least at the nodes that subscribed to it, all
/// others at every node. It keeps nothing for a node that is not there.
pub trait Broker: Send + Sync + 'static {
    /// The node is ready. Called once, before anything else.
    ///
    /// # Errors
    /// When there is no way to the other nodes; the server does not start then.
    fn start(&self, sink: Sink) -> BoxFuture<'_, Result<(), BrokerError>>;

    /// Sends an envelope to all nodes, this one included. Waits for the broker, never for a client.
    ///
    /// # Errors
    /// When the envelope was not accepted; nothing is known about where it came then.
    fn publish(&self, envelope: Envelope) -> BoxFuture<'_, Result<Delivery, BrokerError>>;

    /// The node has the first subscriber of a topic.
    ///
    /// # Errors
    /// When the node will not get what is published to it.
    fn subscribe<'b>(&'b self, topic: &'b Topic) -> BoxFuture<'b, Result<(), BrokerError>>;

    /// The node has lost the last subscriber of a topic. A broker may go on delivering for it.
    ///
    /// # Errors
    /// When the broker could not be told; nothing is lost by it.
    fn unsubscribe<'b>(&'b self, topic: &'b Topic) -> BoxFuture<'b, Result<(), BrokerError>>;
}

/// Makes the tests that every [`Broker`] passes, each a `#[tokio::test]`, in the module where it stands. The argument
/// is an expression that makes two nodes of one new, otherwise empty bus: a pair of brokers. `tokio` with `macros`, `rt`
/// and `time` must be a dev-dependency.
///
/// ```
/// # #[cfg(test)]
/// mod conformance {
///     tsugi::broker_suite!({
///         let one = tsugi::broker::memory::Memory::new();
///         let other = one.sibling();
///         (one, other)
///     });
/// }
/// ```
#[cfg(any(test, feature = "test-suite"))]
#[macro_export]
macro_rules! broker_suite {
    ($nodes:expr) => {
        #[tokio::test]
        async fn an_envelope_reaches_every_node_once() {
            let (one, other) = $nodes;
            $crate::broker::suite::reaches_every_node_once(&one, &other).await;
        }

        #[tokio::test]
        async fn what_one_task_publishes_arrives_in_order() {
            let (one, other) = $nodes;
            $crate::broker::suite::keeps_order(&one, &other).await;
        }

        #[tokio::test]
        async fn a_topic_reaches_the_nodes_that_subscribed() {
            let (one, other) = $nodes;
            $crate::broker::suite::topics_reach_subscribers(&one, &other).await;
        }

        #[tokio::test]
        async fn a_close_crosses_unchanged() {
            let (one, other) = $nodes;
            $crate::broker::suite::carries_a_close(&one, &other).await;
        }
    };
}

/// What [`broker_suite!`](crate::broker_suite) runs.
#[cfg(any(test, feature = "test-suite"))]
#[doc(hidden)]
#[allow(clippy::missing_panics_doc, reason = "these are tests: a panic is how they fail")]
pub mod suite;
