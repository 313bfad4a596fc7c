//! What was sent, and what became of it.

use crate::shared::Shared;
use std::sync::Arc;
use tokio::sync::watch;
use tsugi_proto::connection::{ItemId, Reply, RequestError as Unanswered};

/// How far an event or a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It can still be taken back.
    Waiting,
    /// The server may have it.
    Sent,
    /// The server has handled it. Over.
    Handled,
    /// It was not handled, as far as is known. Over.
    Failed,
}

/// An event on its way. Dropping it takes nothing back.
///
/// ```no_run
/// # async fn run(client: tsugi_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let delivery = client.send("cart/add", &17)?;
/// match delivery.settled().await {
///     Ok(()) => println!("the server has handled it"),
///     Err(why) => println!("not handled, as far as is known: {why}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Delivery {
    pub(crate) item: ItemId,
    pub(crate) shared: Arc<Shared>,
    pub(crate) end: watch::Receiver<Option<Reply>>,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("item", &self.item).field("state", &self.state()).finish()
    }
}

impl Delivery {
    /// How far it is.
    #[must_use]
    pub fn state(&self) -> DeliveryState {
        match &*self.end.borrow() {
            Some(Ok(_)) => DeliveryState::Handled,
            Some(Err(_)) => DeliveryState::Failed,
            None if self.shared.is_unsent(self.item) => DeliveryState::Waiting,
            None => DeliveryState::Sent,
        }
    }

    /// Takes it back. Returns whether it was in time: what was sent cannot be taken back.
    pub fn cancel(&self) -> bool {
        self.shared.cancel(self.item)
    }

    /// Waits until it is over, at most the time it was given.
    ///
    /// # Errors
    /// When it was not handled, as far as is known; the error says what is.
    pub async fn settled(&self) -> Result<(), Unanswered> {
        self.reply().await.map(drop)
    }

    /// Waits until it is over, and says how: a request with its reply, an event with nil.
    ///
    /// # Errors
    /// As [`Delivery::settled`].
    pub async fn reply(&self) -> Reply {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(settled) => settled.clone().unwrap_or(Err(Unanswered::Closed)),
            // The runtime that the client lived in is gone.
            Err(_) => Err(Unanswered::Closed),
        }
    }
}
