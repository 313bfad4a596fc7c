//! Who is online.
//!
//! One mutex guards the counts of all users and the sender of changes. What is done under it is a map lookup and a
//! push into a ring, so that several thousand connects a second do not contend; only [`Users::snapshot`] and
//! [`Users::watch`] take time in proportion to the number of users. A change is announced under the same lock that
//! applied it: that is what makes a snapshot and the changes after it fit together.

use crate::identity::UserId;
use futures_core::Stream;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use thiserror::Error;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::ReusableBoxFuture;
pub use tsugi_proto::session::Transport;

/// Everybody who is online, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Online {
    /// Users with a client on a WebSocket.
    pub ws: HashSet<UserId>,
    /// Users with a client that polls.
    pub poll: HashSet<UserId>,
    /// Users with any client: the union of the two.
    pub any: HashSet<UserId>,
    /// Clients without a user.
    pub anonymous: usize,
}

/// A user came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The first client of this user is there.
    Online(UserId),
    /// The last client of this user is gone.
    Offline(UserId),
}

/// A watcher read too slowly and this many changes are lost to it: call [`Users::watch`] again for a new snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{missed} changes were missed; watch again for a new snapshot")]
pub struct Lagged {
    /// How many changes were lost.
    pub missed: u64,
}

/// Whether one client coming or going made a user come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// The user was offline before.
    Online,
    /// The user is offline now.
    Offline,
    /// Nothing that anybody must be told.
    Unchanged,
}

/// Who is online on this node: a handle, cheap to clone.
///
/// A user is online from the first connected client until the last one has been away for longer than the grace time.
#[derive(Clone)]
pub struct Users(Arc<Mutex<State>>);

struct State {
    users: HashMap<UserId, Counts>,
    anonymous: Counts,
    changes: broadcast::Sender<Change>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    ws: u32,
    poll: u32,
}

impl Counts {
    fn of(&mut self, transport: Transport) -> &mut u32 {
        match transport {
            Transport::WebSocket => &mut self.ws,
            Transport::Poll => &mut self.poll,
        }
    }

    fn add(&mut self, transport: Transport) {
        *self.of(transport) += 1;
    }

    fn remove(&mut self, transport: Transport) {
        let count = self.of(transport);
        debug_assert!(*count > 0, "a client left that had not entered");
        *count = count.saturating_sub(1);
    }

    fn is_empty(self) -> bool {
        self.ws == 0 && self.poll == 0
    }
}

impl Users {
    /// How many changes a watcher may be behind before it is told [`Lagged`].
    pub const WATCH_CAPACITY: usize = 1024;

    /// Nobody is online.
    pub(crate) fn new() -> Self {
        let (changes, _) = broadcast::channel(Self::WATCH_CAPACITY);
        Self(Arc::new(Mutex::new(State { users: HashMap::new(), anonymous: Counts::default(), changes })))
    }

    /// Everybody who is online now. Takes time in proportion to the number of users.
    #[must_use]
    pub fn snapshot(&self) -> Online {
        self.0.lock().snapshot()
    }

    /// Everybody who is online now, and every change from then on: none is missed between the two and none is in
    /// both.
    ///
    /// ```no_run
    /// # use tsugi::{Server, users::Change};
    /// # async fn watch(server: Server) {
    /// loop {
    ///     let (mut online, mut changes) = server.users().watch();
    ///     while let Some(change) = changes.recv().await {
    ///         match change {
    ///             Ok(Change::Online(user)) => drop(online.any.insert(user)),
    ///             Ok(Change::Offline(user)) => drop(online.any.remove(&user)),
    ///             Err(lagged) => eprintln!("{lagged}"),
    ///         }
    ///     }
    /// #   break;
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn watch(&self) -> (Online, Changes) {
        let state = self.0.lock();
        (state.snapshot(), Changes::new(state.changes.subscribe()))
    }

    /// Whether a client of this user is connected.
    #[must_use]
    pub fn is_online(&self, user: &UserId) -> bool {
        self.0.lock().users.contains_key(user)
    }

    /// How many users are online.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.lock().users.len()
    }

    /// A client is there.
    pub(crate) fn enter(&self, user: Option<&UserId>, transport: Transport) -> Edge {
        let mut state = self.0.lock();
        let Some(user) = user else {
            state.anonymous.add(transport);
            return Edge::Unchanged;
        };
        if let Some(counts) = state.users.get_mut(user) {
            counts.add(transport);
            return Edge::Unchanged;
        }
        let mut counts = Counts::default();
        counts.add(transport);
        state.users.insert(user.clone(), counts);
        state.announce(Change::Online(user.clone()));
        Edge::Online
    }

    /// A client that had entered is gone.
    pub(crate) fn leave(&self, user: Option<&UserId>, transport: Transport) -> Edge {
        let mut state = self.0.lock();
        let Some(user) = user else {
            state.anonymous.remove(transport);
            return Edge::Unchanged;
        };
        let Some(counts) = state.users.get_mut(user) else {
            debug_assert!(false, "a client left that had not entered");
            return Edge::Unchanged;
        };
        counts.remove(transport);
        if !counts.is_empty() {
            return Edge::Unchanged;
        }
        state.users.remove(user);
        state.announce(Change::Offline(user.clone()));
        Edge::Offline
    }

    /// A client that had entered goes on over another transport; its user stays online all the while.
    pub(crate) fn switch(&self, user: Option<&UserId>, from: Transport, to: Transport) {
        let mut state = self.0.lock();
        let counts = match user {
            None => Some(&mut state.anonymous),
            Some(user) => state.users.get_mut(user),
        };
        debug_assert!(counts.is_some(), "a client switched that had not entered");
        if let Some(counts) = counts {
            counts.remove(from);
            counts.add(to);
        }
    }
}

impl State {
    fn snapshot(&self) -> Online {
        let with = |wanted: fn(&Counts) -> bool| {
            self.users.iter().filter(|(_, counts)| wanted(counts)).map(|(user, _)| user.clone()).collect()
        };
        Online {
            ws: with(|counts| counts.ws > 0),
            poll: with(|counts| counts.poll > 0),
            any: with(|_| true),
            anonymous: (self.anonymous.ws + self.anonymous.poll) as usize,
        }
    }

    /// An error says only that nobody watches.
    fn announce(&self, change: Change) {
        drop(self.changes.send(change));
    }
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Users").field("online", &self.count()).finish_non_exhaustive()
    }
}

type Received = (Result<Change, RecvError>, broadcast::Receiver<Change>);

/// The changes after a snapshot, in order. A [`Stream`], and [`Changes::recv`] for those who need no stream.
///
/// It ends when the server is gone, or after it has told the watcher that it [`Lagged`].
pub struct Changes(Option<ReusableBoxFuture<'static, Received>>);

impl Changes {
    fn new(receiver: broadcast::Receiver<Change>) -> Self {
        Self(Some(ReusableBoxFuture::new(receive(receiver))))
    }

    /// The next change, as soon as there is one.
    ///
    /// # Errors
    /// [`Lagged`], once, when this watcher was too slow; `None` follows.
    pub async fn recv(&mut self) -> Option<Result<Change, Lagged>> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Change, Lagged>>> {
        let Some(waiting) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let Poll::Ready((received, receiver)) = waiting.poll(cx) else {
            return Poll::Pending;
        };
        Poll::Ready(match received {
            Ok(change) => {
                waiting.set(receive(receiver));
                Some(Ok(change))
            }
            // Going on after a gap would leave the watcher's picture wrong for good, so there is nothing after it.
            Err(RecvError::Lagged(missed)) => {
                self.0 = None;
                Some(Err(Lagged { missed }))
            }
            Err(RecvError::Closed) => {
                self.0 = None;
                None
            }
        })
    }
}

async fn receive(mut receiver: broadcast::Receiver<Change>) -> Received {
    (receiver.recv().await, receiver)
}

impl Stream for Changes {
    type Item = Result<Change, Lagged>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(cx)
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Transport::{Poll as LongPoll, WebSocket};

    fn ann() -> UserId {
        UserId::from("ann")
    }

    #[test]
    fn only_the_first_and_the_last_client_of_a_user_are_edges() {
        let users = Users::new();
        assert_eq!(users.enter(Some(&ann()), WebSocket), Edge::Online);
        assert_eq!(users.enter(Some(&ann()), LongPoll), Edge::Unchanged);
        assert_eq!(users.leave(Some(&ann()), WebSocket), Edge::Unchanged);
        assert!(users.is_online(&ann()));
        assert_eq!(users.leave(Some(&ann()), LongPoll), Edge::Offline);
        assert!(!users.is_online(&ann()));
        assert_eq!(users.count(), 0);
    }

    #[test]
    fn a_snapshot_tells_the_transports_apart() {
        let users = Users::new();
        let bob = UserId::from("bob");
        users.enter(Some(&ann()), WebSocket);
        users.enter(Some(&ann()), LongPoll);
        users.enter(Some(&bob), LongPoll);
        users.enter(None, WebSocket);
        let online = users.snapshot();
        assert_eq!(online.ws, HashSet::from([ann()]));
        assert_eq!(online.poll, HashSet::from([ann(), bob.clone()]));
        assert_eq!(online.any, HashSet::from([ann(), bob]));
        assert_eq!(online.anonymous, 1);
    }

    #[tokio::test]
    async fn switching_the_transport_is_no_change_to_a_watcher() {
        let users = Users::new();
        users.enter(Some(&ann()), LongPoll);
        let (_, mut changes) = users.watch();
        users.switch(Some(&ann()), LongPoll, WebSocket);
        assert_eq!(users.snapshot().ws, HashSet::from([ann()]));
        assert!(users.snapshot().poll.is_empty());
        users.leave(Some(&ann()), WebSocket);
        assert_eq!(changes.recv().await, Some(Ok(Change::Offline(ann()))));
    }

    #[test]
    fn anonymous_clients_make_no_edges_but_are_counted() {
        let users = Users::new();
        assert_eq!(users.enter(None, LongPoll), Edge::Unchanged);
        users.switch(None, LongPoll, WebSocket);
        assert_eq!(users.snapshot().anonymous, 1);
        assert_eq!(users.leave(None, WebSocket), Edge::Unchanged);
        assert_eq!(users.snapshot(), Online::default());
    }

    #[tokio::test]
    async fn a_watcher_sees_each_change_after_its_snapshot_once_and_in_order() {
        let users = Users::new();
        users.enter(Some(&ann()), WebSocket);
        let (online, mut changes) = users.watch();
        assert_eq!(online.any, HashSet::from([ann()]));
        users.leave(Some(&ann()), WebSocket);
        users.enter(Some(&ann()), LongPoll);
        assert_eq!(changes.recv().await, Some(Ok(Change::Offline(ann()))));
        assert_eq!(changes.recv().await, Some(Ok(Change::Online(ann()))));
        drop(users);
        assert_eq!(changes.recv().await, None);
        assert_eq!(changes.recv().await, None);
    }

    #[tokio::test]
    async fn snapshots_and_changes_agree_while_others_come_and_go() {
        let users = Users::new();
        let churn = |name: &'static str, users: Users| {
            std::thread::spawn(move || {
                let user = UserId::from(name);
                for _ in 0..200 {
                    users.enter(Some(&user), WebSocket);
                    users.leave(Some(&user), WebSocket);
                }
                users.enter(Some(&user), WebSocket);
            })
        };
        let threads = [churn("a", users.clone()), churn("b", users.clone())];
        let (mut online, mut changes) = users.watch();
        for thread in threads {
            thread.join().unwrap();
        }
        let last = users.snapshot();
        drop(users);
        while let Some(change) = changes.recv().await {
            match change.unwrap() {
                Change::Online(user) => assert!(online.any.insert(user), "online twice"),
                Change::Offline(user) => assert!(online.any.remove(&user), "offline twice"),
            }
        }
        assert_eq!(online.any, last.any);
    }

    #[tokio::test]
    async fn a_watcher_that_is_too_slow_is_told_so_and_must_look_again() {
        let users = Users::new();
        let (_, mut changes) = users.watch();
        for _ in 0..Users::WATCH_CAPACITY {
            users.enter(Some(&ann()), WebSocket);
            users.leave(Some(&ann()), WebSocket);
        }
        assert_eq!(changes.recv().await, Some(Err(Lagged { missed: Users::WATCH_CAPACITY as u64 })));
        assert_eq!(changes.recv().await, None);
    }
}
