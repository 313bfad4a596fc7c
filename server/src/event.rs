//! Events, and the ids of those that the server itself makes.

use std::sync::Arc;
pub use tsugi_proto::event::{Event, EventError, EventId, EventIdError};
pub use tsugi_proto::session::Durability;

/// A user came online: nobody before, now at least one client. The data is the user id.
pub const USER_ONLINE: &str = "chsk/uidport-open";

/// A user went offline: the last client is gone and did not come back within the grace time. The data is the user id.
pub const USER_OFFLINE: &str = "chsk/uidport-close";

/// A client sent something that could be decoded but is no event. The data is what it sent.
pub const BAD_EVENT: &str = "chsk/bad-event";

/// A client of Sente before 1.21 ([`Wire`](crate::Wire)) sent something that cannot be decoded. The data is what it sent, as
/// text. Its connection stays: most of these clients would never come back after a close. All others are closed.
pub const BAD_PACKAGE: &str = "chsk/bad-package";

/// A client asked whether the server is there. It was answered already; a route only hears of it.
pub const PING: &str = "chsk/ws-ping";

/// A client answered a ping of the server.
pub const PONG: &str = "chsk/ws-pong";

/// A client will not get something that was sent to it, or would have been: more waited than is kept (`overflow`), it was
/// away for too long (`expired`), this server was started after it (`restarted`), or the two ends counted differently
/// (`desync`). The data is a map of `from`, `to` (absent when nobody knows) and `why`; the client is told the same.
pub const GAP: &str = "chsk/gap";

/// The events the server makes, the only ones in the namespace `chsk` that a route may name. But for pings and pongs they
/// never come from a client: what a client sends in that namespace is refused before it reaches a route.
pub const LIFE_CYCLE: [&str; 7] = [USER_ONLINE, USER_OFFLINE, BAD_EVENT, BAD_PACKAGE, PING, PONG, GAP];

/// What an event can be made from: an [`Event`], or the result of making one, so that
/// `server.push(&user, Event::new("mail/new", &count)).await?` needs one question mark only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    note = "make one with `Event::new(\"namespace/name\", &data)` or `Event::bare(\"namespace/name\")`"
)]
pub trait IntoEvent {
    /// The event.
    ///
    /// # Errors
    /// When making it failed.
    fn into_event(self) -> Result<Event, EventError>;

    /// Whether it may be left out. By default it may not; see [`Volatile`].
    fn durability(&self) -> Durability {
        Durability::Kept
    }
}

/// An event that is soon out of date, such as that somebody is typing: a client that does not keep up, or is away, goes without
/// it. Whatever else is pushed still arrives once and in order, and no client is told of a gap. The metrics count what was left out.
///
/// ```
/// use tsugi::{Event, Server, Topic, event::Volatile};
///
/// async fn moved(server: &Server, board: &Topic, player: u32, at: (f64, f64)) -> Result<(), tsugi::PushError> {
///     // Of the places of one player only the newest is of interest.
///     let moved = Event::new("board/moved", &(player, at));
///     server.publish(board, Volatile::latest(format!("moved {player}"), moved)).await?;
///     server.publish(board, Volatile::new(Event::bare("board/noise"))).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Volatile<E> {
    event: E,
    durability: Durability,
}

impl<E> Volatile<E> {
    /// Left out where more than a little waits already.
    pub fn new(event: E) -> Self {
        Self { event, durability: Durability::Volatile }
    }

    /// Takes the place of an older one with the same key that still waits, whatever its id, so that at most one of them does. It is
    /// left out only where the client is away or has no room.
    pub fn latest(key: impl Into<Arc<str>>, event: E) -> Self {
        Self { event, durability: Durability::Latest(key.into()) }
    }
}

impl<E: IntoEvent> IntoEvent for Volatile<E> {
    fn into_event(self) -> Result<Event, EventError> {
        self.event.into_event()
    }

    fn durability(&self) -> Durability {
        self.durability.clone()
    }
}

impl IntoEvent for Event {
    fn into_event(self) -> Result<Event, EventError> {
        Ok(self)
    }
}

impl IntoEvent for Result<Event, EventError> {
    fn into_event(self) -> Result<Event, EventError> {
        self
    }
}
