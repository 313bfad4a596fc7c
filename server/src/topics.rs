//! Who listens to what.
//!
//! Two maps, both in shards: the subscribers of a topic, and the topics of a subscriber. A topic is there as long as it
//! has a subscriber.
//!
//! Locks: a change holds the shard of its subscriber throughout and takes the shards of topics inside it, one after
//! another. Nobody takes them the other way round, and `Topics::subscribers`, the only thing done for every
//! publish, takes one shard of topics by itself. None is held across an await.

use parking_lot::Mutex;
use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use thiserror::Error;

/// What clients subscribe to and events are published to: text of the application's choosing. Cloning shares it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

/// Text that is no topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TopicError {
    /// There is no text.
    #[error("the topic is empty")]
    Empty,
    /// Longer than [`Topic::MAX_BYTES`].
    #[error("the topic has more than 256 bytes")]
    TooLong,
    /// A line break, a tab or another control character.
    #[error("the topic holds a control character")]
    Control,
}

impl Topic {
    /// The longest topic, in bytes: what clients name is kept, so it has a bound.
    pub const MAX_BYTES: usize = 256;

    /// Checks and keeps a topic.
    ///
    /// # Errors
    /// When it is empty, longer than [`Topic::MAX_BYTES`] or holds a control character.
    pub fn new(text: impl AsRef<str>) -> Result<Self, TopicError> {
        let text = text.as_ref();
        match text {
            "" => Err(TopicError::Empty),
            _ if text.len() > Self::MAX_BYTES => Err(TopicError::TooLong),
            _ if text.contains(char::is_control) => Err(TopicError::Control),
            _ => Ok(Self(text.into())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Why somebody could not be subscribed to a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SubscribeError {
    /// The session listens to as many topics as the configuration allows (by default 256). Unsubscribe it from some.
    #[error("the client is subscribed to as many topics as are allowed, {0}")]
    TooManyForClient(usize),
    /// There are as many topics as the configuration allows. Raise the limit, or find out who makes so many.
    #[error("there are as many topics as are allowed, {0}")]
    TooMany(usize),
    /// The session has ended; nothing needs to be done.
    #[error("the session has ended")]
    Gone,
}

/// Whoever is subscribed: the key of a session in the registry of this node.
pub(crate) type Subscriber = u64;

/// Whether a topic came or went with a change; the broker is told when it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The topic has its first subscriber.
    First,
    /// The topic has lost its last subscriber.
    Empty,
    /// Neither.
    Unchanged,
}

/// What one session is subscribed to; most sessions to nothing.
#[derive(Default)]
struct Mine(HashSet<Topic>);

/// The registry of topics of one node.
pub(crate) struct Topics {
    topics: Vec<Mutex<HashMap<Topic, HashSet<Subscriber>>>>,
    sessions: Vec<Mutex<HashMap<Subscriber, Option<Box<Mine>>>>>,
    hasher: RandomState,
    count: AtomicUsize,
    per_session: usize,
    in_all: usize,
}

impl Topics {
    const SHARDS: usize = 16;

    /// No topics; at most `per_session` for a session, and `in_all` with at least one subscriber.
    pub(crate) fn new(per_session: usize, in_all: usize) -> Self {
        Self {
            topics: (0..Self::SHARDS).map(|_| Mutex::default()).collect(),
            sessions: (0..Self::SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
            per_session,
            in_all,
        }
    }

    /// A session begins. Only those that began and have not ended can subscribe, so that a subscription which races
    /// with the end of its session leaves nothing behind.
    pub(crate) fn open(&self, session: Subscriber) {
        self.session_shard(session).lock().entry(session).or_default();
    }

    /// A session ends. Returns the topics that it was the last subscriber of.
    pub(crate) fn close(&self, session: Subscriber) -> Vec<Topic> {
        let mut sessions = self.session_shard(session).lock();
        let mine = sessions.remove(&session).flatten().unwrap_or_default();
        mine.0.into_iter().filter(|topic| self.remove(topic, session) == Audience::Empty).collect()
    }

    /// Subscribes a session. Doing so twice is the same as once.
    pub(crate) fn subscribe(&self, session: Subscriber, topic: &Topic) -> Result<Audience, SubscribeError> {
        let mut sessions = self.session_shard(session).lock();
        let Some(mine) = sessions.get_mut(&session) else {
            return Err(SubscribeError::Gone);
        };
        let mine = &mut mine.get_or_insert_default().0;
        if mine.contains(topic) {
            return Ok(Audience::Unchanged);
        }
        if mine.len() >= self.per_session {
            return Err(SubscribeError::TooManyForClient(self.per_session));
        }
        let audience = self.add(topic, session)?;
        mine.insert(topic.clone());
        Ok(audience)
    }

    /// Unsubscribes a session, if it is subscribed.
    pub(crate) fn unsubscribe(&self, session: Subscriber, topic: &Topic) -> Audience {
        let mut sessions = self.session_shard(session).lock();
        let mine = sessions.get_mut(&session).and_then(Option::as_deref_mut);
        let was_subscribed = mine.is_some_and(|mine| mine.0.remove(topic));
        if was_subscribed { self.remove(topic, session) } else { Audience::Unchanged }
    }

    /// Who is subscribed to a topic now, in no order.
    pub(crate) fn subscribers(&self, topic: &Topic) -> Vec<Subscriber> {
        let topics = self.topic_shard(topic).lock();
        topics.get(topic).map(|subscribers| subscribers.iter().copied().collect()).unwrap_or_default()
    }

    /// How many topics have a subscriber.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn add(&self, topic: &Topic, session: Subscriber) -> Result<Audience, SubscribeError> {
        let mut topics = self.topic_shard(topic).lock();
        match topics.entry(topic.clone()) {
            Entry::Occupied(mut entry) => {
                entry.get_mut().insert(session);
                Ok(Audience::Unchanged)
            }
            Entry::Vacant(entry) => {
                let room = |count| (count < self.in_all).then_some(count + 1);
                let counted = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room);
                counted.map_err(|_| SubscribeError::TooMany(self.in_all))?;
                entry.insert(HashSet::from([session]));
                Ok(Audience::First)
            }
        }
    }

    fn remove(&self, topic: &Topic, session: Subscriber) -> Audience {
        let mut topics = self.topic_shard(topic).lock();
        let Some(subscribers) = topics.get_mut(topic) else {
            return Audience::Unchanged;
        };
        subscribers.remove(&session);
        if !subscribers.is_empty() {
            return Audience::Unchanged;
        }
        topics.remove(topic);
        self.count.fetch_sub(1, Ordering::Relaxed);
        Audience::Empty
    }

    fn topic_shard(&self, topic: &Topic) -> &Mutex<HashMap<Topic, HashSet<Subscriber>>> {
        &self.topics[self.shard(topic)]
    }

    fn session_shard(&self, session: Subscriber) -> &Mutex<HashMap<Subscriber, Option<Box<Mine>>>> {
        &self.sessions[self.shard(session)]
    }

    fn shard(&self, key: impl Hash) -> usize {
        // Fewer than SHARDS, so nothing is cut.
        (self.hasher.hash_one(key) % Self::SHARDS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(text: &str) -> Topic {
        Topic::new(text).unwrap()
    }

    fn with_sessions(sessions: impl IntoIterator<Item = Subscriber>) -> Topics {
        let topics = Topics::new(2, 3);
        sessions.into_iter().for_each(|session| topics.open(session));
        topics
    }

    #[test]
    fn a_topic_is_text_of_bounded_length_without_control_characters() {
        assert_eq!(Topic::new(""), Err(TopicError::Empty));
        assert_eq!(Topic::new("a\nb"), Err(TopicError::Control));
        assert_eq!(Topic::new("x".repeat(257)), Err(TopicError::TooLong));
        assert_eq!(topic("room/café 1").as_str(), "room/café 1");
    }

    #[test]
    fn subscribing_twice_is_one_copy() {
        let topics = with_sessions([1, 2]);
        let room = topic("room");
        assert_eq!(topics.subscribe(1, &room), Ok(Audience::First));
        assert_eq!(topics.subscribe(1, &room), Ok(Audience::Unchanged));
        assert_eq!(topics.subscribe(2, &room), Ok(Audience::Unchanged));
        let mut subscribers = topics.subscribers(&room);
        subscribers.sort_unstable();
        assert_eq!(subscribers, [1, 2]);
        assert_eq!(topics.unsubscribe(1, &room), Audience::Unchanged);
        assert_eq!(topics.subscribers(&room), [2]);
    }

    #[test]
    fn a_topic_vanishes_with_its_last_subscriber() {
        let topics = with_sessions([1]);
        let room = topic("room");
        topics.subscribe(1, &room).unwrap();
        assert_eq!(topics.count(), 1);
        assert_eq!(topics.unsubscribe(1, &room), Audience::Empty);
        assert_eq!(topics.unsubscribe(1, &room), Audience::Unchanged);
        assert_eq!(topics.count(), 0);
        assert!(topics.topics.iter().all(|shard| shard.lock().is_empty()));
    }

    #[test]
    fn the_end_of_a_session_leaves_nothing_behind() {
        let topics = with_sessions([1, 2]);
        topics.subscribe(1, &topic("shared")).unwrap();
        topics.subscribe(2, &topic("shared")).unwrap();
        topics.subscribe(1, &topic("alone")).unwrap();
        assert_eq!(topics.close(1), [topic("alone")]);
        assert_eq!(topics.close(1), []);
        assert_eq!(topics.subscribe(1, &topic("late")), Err(SubscribeError::Gone));
        assert_eq!(topics.close(2), [topic("shared")]);
        assert_eq!(topics.count(), 0);
        assert!(topics.sessions.iter().all(|shard| shard.lock().is_empty()));
    }

    #[test]
    fn the_bounds_have_names_and_refuse_only_what_is_new() {
        let topics = with_sessions([1, 2, 3]);
        topics.subscribe(1, &topic("a")).unwrap();
        topics.subscribe(1, &topic("b")).unwrap();
        assert_eq!(topics.subscribe(1, &topic("c")), Err(SubscribeError::TooManyForClient(2)));
        topics.subscribe(2, &topic("c")).unwrap();
        assert_eq!(topics.subscribe(3, &topic("d")), Err(SubscribeError::TooMany(3)));
        assert_eq!(topics.subscribe(3, &topic("a")), Ok(Audience::Unchanged));
        topics.close(2);
        assert_eq!(topics.subscribe(3, &topic("d")), Ok(Audience::First));
    }

    #[test]
    fn coming_and_going_from_many_threads_ends_with_nothing() {
        let topics = Arc::new(Topics::new(8, 64));
        let threads: Vec<_> = (0..4_u64)
            .map(|thread| {
                let topics = topics.clone();
                std::thread::spawn(move || {
                    for round in 0..200_u64 {
                        let session = thread * 1000 + round;
                        topics.open(session);
                        for name in ["a", "b", "c"] {
                            topics.subscribe(session, &topic(name)).unwrap();
                        }
                        topics.unsubscribe(session, &topic("b"));
                        topics.close(session);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(topics.count(), 0);
        assert!(topics.topics.iter().all(|shard| shard.lock().is_empty()));
    }
}
