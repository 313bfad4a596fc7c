//! Who is connected to this node, and the one place where an event reaches many sessions.

use crate::identity::{ClientId, SessionId, UserId};
use crate::kit::{Kit, Protocol};
use crate::peer::Peer;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tsugi_proto::Event;
use tsugi_proto::codec::EncodeError;
use tsugi_proto::session::{Durability, EncodedEvent, Flush};

/// Locks are spread over so many shards, so that connections do not queue for one.
const SHARDS: usize = 16;

/// Whose client: the same client id of two users is two clients.
pub(crate) type ClientKey = (Option<UserId>, ClientId);

/// Whether a session was there to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    Now,
    /// It never was registered, or is gone already.
    Before,
}

/// Every session of this node, by each name it can be asked for.
///
/// Locks are held to look up, insert, or make or copy a list of handles; never while anything is sent, and one at a time.
#[derive(Default)]
pub(crate) struct Hub {
    everyone: Everyone,
    by_session: Sharded<SessionId, Arc<Peer>>,
    by_client: Sharded<ClientKey, Group>,
    by_user: Sharded<UserId, Group>,
    count: AtomicUsize,
}

/// Sessions by number, in shards. Numbers are the server's own, and follow each other.
#[derive(Default)]
struct Everyone {
    shards: [RwLock<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    peers: HashMap<u64, Arc<Peer>>,
    /// All of them, made for the first broadcast after one came or went: the next need not take hold of each.
    list: Option<List>,
}

type List = Arc<[Arc<Peer>]>;

impl Everyone {
    fn shard(&self, number: u64) -> &RwLock<Shard> {
        &self.shards[number as usize % SHARDS]
    }

    fn find(&self, number: u64) -> Option<Arc<Peer>> {
        self.shard(number).read().peers.get(&number).cloned()
    }

    fn put(&self, peer: &Arc<Peer>) {
        let mut shard = self.shard(peer.number).write();
        shard.list = None;
        shard.peers.insert(peer.number, Arc::clone(peer));
    }

    fn take(&self, number: u64) -> Option<Arc<Peer>> {
        let mut shard = self.shard(number).write();
        // A list would keep all of who left from being freed.
        shard.list = None;
        shard.peers.remove(&number)
    }

    fn lists(&self) -> Vec<List> {
        self.shards.iter().map(Shard::list).collect()
    }
}

impl Shard {
    fn list(shard: &RwLock<Self>) -> List {
        if let Some(list) = &shard.read().list {
            return Arc::clone(list);
        }
        let shard = &mut *shard.write();
        let list = shard.list.get_or_insert_with(|| shard.peers.values().cloned().collect());
        Arc::clone(list)
    }
}

/// Sessions that were found: by a name, or all there are.
pub(crate) struct Peers {
    few: Vec<Arc<Peer>>,
    all: Vec<List>,
}

impl Peers {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.few.iter().chain(self.all.iter().flat_map(|list| list.iter()))
    }

    pub(crate) fn len(&self) -> usize {
        self.few.len() + self.all.iter().map(|list| list.len()).sum::<usize>()
    }
}

impl From<Vec<Arc<Peer>>> for Peers {
    fn from(few: Vec<Arc<Peer>>) -> Self {
        Self { few, all: Vec::new() }
    }
}

/// A map in shards. Hashing is keyed, since clients choose some of the keys.
struct Sharded<K, V> {
    shards: [RwLock<HashMap<K, V>>; SHARDS],
    hasher: RandomState,
}

impl<K, V> Default for Sharded<K, V> {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| RwLock::default()), hasher: RandomState::new() }
    }
}

impl<K: Hash + Eq, V> Sharded<K, V> {
    fn shard(&self, key: &K) -> &RwLock<HashMap<K, V>> {
        // The low bits choose the place inside a map, so the shard takes high ones.
        &self.shards[(self.hasher.hash_one(key) >> 60) as usize % SHARDS]
    }
}

impl<K: Hash + Eq> Sharded<K, Arc<Peer>> {
    fn find(&self, key: &K) -> Option<Arc<Peer>> {
        self.shard(key).read().get(key).cloned()
    }

    fn put(&self, key: K, peer: &Arc<Peer>) {
        self.shard(&key).write().insert(key, Arc::clone(peer));
    }

    fn take(&self, key: &K) {
        self.shard(key).write().remove(key);
    }
}

/// Sessions of one name, most often a single one.
enum Group {
    One(Arc<Peer>),
    Many(Box<Several>),
}

/// Two or more, or what is left of them.
struct Several(Vec<Arc<Peer>>);

impl Group {
    fn as_slice(&self) -> &[Arc<Peer>] {
        match self {
            Self::One(peer) => std::slice::from_ref(peer),
            Self::Many(several) => &several.0,
        }
    }

    fn push(&mut self, peer: &Arc<Peer>) {
        match self {
            Self::One(first) => *self = Self::Many(Box::new(Several(vec![Arc::clone(first), Arc::clone(peer)]))),
            Self::Many(several) => several.0.push(Arc::clone(peer)),
        }
    }

    /// Whether others are left.
    fn remove(&mut self, peer: &Arc<Peer>) -> bool {
        match self {
            Self::One(only) => !Arc::ptr_eq(only, peer),
            Self::Many(several) => {
                several.0.retain(|other| !Arc::ptr_eq(other, peer));
                if let [one] = &several.0[..] {
                    *self = Self::One(Arc::clone(one));
                }
                !self.as_slice().is_empty()
            }
        }
    }
}

impl<K: Hash + Eq> Sharded<K, Group> {
    fn all(&self, key: &K) -> Vec<Arc<Peer>> {
        self.shard(key).read().get(key).map(|group| group.as_slice().to_vec()).unwrap_or_default()
    }

    fn add(&self, key: K, peer: &Arc<Peer>) {
        let mut shard = self.shard(&key).write();
        let group = shard.entry(key);
        group.and_modify(|group| group.push(peer)).or_insert_with(|| Group::One(Arc::clone(peer)));
    }

    fn drop_one(&self, key: &K, peer: &Arc<Peer>) {
        let mut shard = self.shard(key).write();
        if shard.get_mut(key).is_some_and(|group| !group.remove(peer)) {
            shard.remove(key);
        }
    }

    fn count(&self, key: &K) -> usize {
        self.shard(key).read().get(key).map_or(0, |group| group.as_slice().len())
    }
}

impl Hub {
    pub(crate) fn insert(&self, peer: &Arc<Peer>) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.everyone.put(peer);
        if peer.protocol == Protocol::Tsugi {
            self.by_session.put(peer.session(), peer);
        }
        self.by_client.add(client_key(peer), peer);
        if let Some(user) = peer.user() {
            self.by_user.add(user.clone(), peer);
        }
    }

    pub(crate) fn remove(&self, peer: &Arc<Peer>) -> Removed {
        if self.everyone.take(peer.number).is_none() {
            return Removed::Before;
        }
        self.count.fetch_sub(1, Ordering::Relaxed);
        if peer.protocol == Protocol::Tsugi {
            self.by_session.take(&peer.session());
        }
        self.by_client.drop_one(&client_key(peer), peer);
        if let Some(user) = peer.user() {
            self.by_user.drop_one(user, peer);
        }
        Removed::Now
    }

    /// Sessions of this node.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn count_of(&self, user: &UserId) -> usize {
        self.by_user.count(user)
    }

    pub(crate) fn session(&self, id: &SessionId) -> Option<Arc<Peer>> {
        self.by_session.find(id)
    }

    pub(crate) fn numbered(&self, number: u64) -> Option<Arc<Peer>> {
        self.everyone.find(number)
    }

    /// The session of a plain Sente client, which names itself by user and client id.
    pub(crate) fn sente(&self, key: &ClientKey) -> Option<Arc<Peer>> {
        let peers = self.by_client.all(key);
        peers.into_iter().rev().find(|peer| peer.protocol == Protocol::Sente && !peer.is_spent())
    }

    pub(crate) fn of_client(&self, key: &ClientKey) -> Vec<Arc<Peer>> {
        self.by_client.all(key)
    }

    pub(crate) fn of_user(&self, user: &UserId) -> Vec<Arc<Peer>> {
        self.by_user.all(user)
    }

    pub(crate) fn all(&self) -> Peers {
        Peers { few: Vec::new(), all: self.everyone.lists() }
    }

    pub(crate) fn anonymous(&self) -> Peers {
        let all = self.all();
        let anonymous: Vec<_> = all.iter().filter(|peer| peer.user().is_none()).cloned().collect();
        anonymous.into()
    }
}

fn client_key(peer: &Peer) -> ClientKey {
    (peer.user().cloned(), peer.client().clone())
}

/// Queues one event on many sessions; the only place where that happens. It is encoded at most once per codec, and
/// every session shares the frame. Returns how many sessions took it.
///
/// # Errors
/// When a codec that one of the sessions uses cannot express the event; the sessions of other codecs have it then.
pub(crate) fn deliver(
    kits: &[Kit],
    peers: &Peers,
    event: &Event,
    flush: Flush,
    durability: &Durability,
) -> Result<usize, EncodeError> {
    let mut encoded: Vec<Option<Arc<EncodedEvent>>> = vec![None; kits.len()];
    let mut failed = None;
    let mut taken = 0;
    for peer in peers.iter() {
        let slot = &mut encoded[peer.kit_index()];
        if slot.is_none() {
            match kits[peer.kit_index()].encode(event) {
                Ok(event) => *slot = Some(event),
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            }
        }
        if let Some(event) = slot
            && peer.push(event, flush, durability)
        {
            taken += 1;
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(taken),
    }
}
