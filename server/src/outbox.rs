//! Outboxes of clients, as the server knows them: what of each was taken, and what is still to be answered
//! (docs/wire.md, "The outbox").

use crate::core::Core;
use crate::identity::UserId;
use crate::peer::Peer;
use parking_lot::Mutex;
use sha1::{Digest, Sha1};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;
use tsugi_proto::session::{Arrival, Item, Upstream};
use tsugi_proto::{Close, CloseCode, Frame, Value};

/// The most outboxes of one user that are remembered while nobody carries them; of the anonymous all together, so many times
/// more.
const MAX_LEFT_PER_USER: usize = 64;
const MAX_LEFT_ANONYMOUS: usize = 64 * 1024;

/// Whose an outbox is, and its name, which is a secret. Another user, or another codec, has another outbox of that name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) user: Option<UserId>,
    pub(crate) name: [u8; 16],
    pub(crate) kit: usize,
}

/// The server's end of one outbox.
pub(crate) struct Outbox {
    pub(crate) key: Key,
    /// Tells it from every other; never 0. A session knows by this whether it still speaks for the outbox.
    pub(crate) id: u64,
    /// Items up to this one were sent before the server knew the outbox: an earlier run of it may have handled them.
    sent_before: u64,
    state: Mutex<State>,
    /// Held while an item is taken and, unless its route is concurrent, handled. Of one session only one worker would ask;
    /// where two carry the outbox for a moment, what the first has begun ends before what the second takes.
    turn: tokio::sync::Mutex<()>,
}

/// Locked for moments, at times under the book's lock; no other lock is taken inside.
struct State {
    upstream: Upstream,
    carrier: Weak<Peer>,
    /// An item was handled of which no reply tells the client.
    news: bool,
    told: u64,
    /// Of what was taken up to here, replies may have been lost to the client: it must be told how far it is with that.
    owed: u64,
    /// Sessions that gave way, by their numbers, and have yet to hand back what they could not deliver.
    giving_way: Vec<u64>,
    /// Kept replies that are being queued in a session.
    moving: usize,
    /// Its place among those without a session.
    left: Option<Left>,
    /// The newest hello that brought it.
    attempt: u64,
}

impl State {
    fn tell_anew(&mut self) {
        self.told = 0;
        self.owed = self.upstream.taken();
    }

    /// Up to where everything was handled, if the client should be told.
    fn to_tell(&self) -> Option<u64> {
        let handled = self.upstream.handled();
        let all_sent = self.giving_way.is_empty() && self.moving == 0 && !self.upstream.has_replies();
        ((self.news || self.told < self.owed) && handled > self.told && all_sent).then_some(handled)
    }
}

/// One item, from when it is taken until it is handled and answered: dropping the last of it says so.
pub(crate) struct Taken {
    outbox: Arc<Outbox>,
    number: u64,
    wants_reply: bool,
}

/// What becomes of an item that came.
pub(crate) enum Take {
    /// It is to be handled.
    New(Arc<Taken>),
    /// It came before.
    Again,
    /// The outbox has another session by now, in which the client brings again whatever was not taken.
    Elsewhere,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let carrier = {
            let mut state = self.outbox.state.lock();
            state.upstream.finish(self.number);
            state.news |= !self.wants_reply;
            state.to_tell().and_then(|_| state.carrier.upgrade())
        };
        // A worker that runs tells it when it rests, together with what it handles until then.
        if carrier.is_some_and(|carrier| !carrier.is_working()) {
            self.outbox.tell_handled();
        }
    }
}

impl std::fmt::Debug for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Taken({})", self.number)
    }
}

impl Taken {
    /// Answers it, in whatever session the client has by then.
    pub(crate) fn answer(&self, reply: Frame) {
        self.outbox.answer(self.number, reply);
    }

    /// Names this item of this outbox for ever, without telling the outbox's name.
    pub(crate) fn key(&self) -> Box<str> {
        let digest = Sha1::new().chain_update(self.outbox.key.name).chain_update(self.number.to_be_bytes()).finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
    }

    /// Whether an earlier run of the server may have handled it.
    pub(crate) fn is_again(&self) -> bool {
        self.number <= self.outbox.sent_before
    }
}

impl Outbox {
    fn new(key: Key, id: u64, sent_before: u64) -> Arc<Self> {
        let carrier = Weak::new();
        let state = State {
            upstream: Upstream::default(),
            carrier,
            news: false,
            told: 0,
            owed: 0,
            giving_way: Vec::new(),
            moving: 0,
            left: None,
            attempt: 0,
        };
        Arc::new(Self { key, id, sent_before, state: Mutex::new(state), turn: tokio::sync::Mutex::default() })
    }

    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Takes an item that came in the session of `peer`.
    pub(crate) fn take(self: &Arc<Self>, number: u64, wants_reply: bool, peer: &Arc<Peer>) -> Take {
        let mut state = self.state.lock();
        if state.carrier.upgrade().is_some_and(|carrier| !Arc::ptr_eq(&carrier, peer)) {
            return Take::Elsewhere;
        }
        match state.upstream.arrive(number) {
            Arrival::New => Take::New(Arc::new(Taken { outbox: Arc::clone(self), number, wants_reply })),
            Arrival::Again => Take::Again,
        }
    }

    /// Takes note of a hello. Whether it is newer than all before; one that does not say is taken for such.
    pub(crate) fn note_hello(&self, attempt: u64) -> bool {
        let mut state = self.state.lock();
        let newer = attempt == 0 || attempt > state.attempt;
        state.attempt = state.attempt.max(attempt);
        newer
    }

    /// How much was taken, and how much of that handled.
    pub(crate) fn counts(&self) -> Counts {
        let state = self.state.lock();
        Counts { taken: state.upstream.taken(), handled: state.upstream.handled() }
    }

    /// Tells the client up to where everything was handled, when replies do not, and once every reply there is goes before it. In
    /// whatever session it has now, as one of its items, so that it comes again until it arrives; the next is told anew.
    pub(crate) fn tell_handled(&self) {
        let Some((carrier, handled)) = self.news() else { return };
        let slot = Value::Integer(-i64::try_from(handled).unwrap_or(i64::MAX));
        let Ok(frame) = carrier.kit().codec.encode_frame(&Value::Nil, &slot) else { return };
        if carrier.send_of(self.id, Item::Reply(0, frame)).is_err() {
            self.state.lock().tell_anew();
        }
    }

    /// The client may lack replies that will not come again: it is told once more how far everything is.
    pub(crate) fn tell_anew(&self) {
        self.state.lock().tell_anew();
        self.tell_handled();
    }

    fn news(&self) -> Option<(Arc<Peer>, u64)> {
        let mut state = self.state.lock();
        let handled = state.to_tell()?;
        let carrier = state.carrier.upgrade()?;
        state.news = false;
        state.told = handled;
        Some((carrier, handled))
    }

    /// Sends the reply to an item by whatever session the client has now, or keeps it for the next.
    fn answer(&self, number: u64, reply: Frame) {
        let carrier = self.carrier_to_spare();
        if !carrier.is_some_and(|carrier| self.send(&carrier, number, &reply)) {
            self.keep([(number, reply)]);
            self.flush();
        }
    }

    pub(crate) fn keep(&self, replies: impl IntoIterator<Item = (u64, Frame)>) {
        let mut state = self.state.lock();
        replies.into_iter().for_each(|(number, reply)| state.upstream.keep(number, reply));
    }

    /// Sends what is kept, if there is a session for it, and then what waited for that to be said.
    pub(crate) fn flush(&self) {
        while let Some((carrier, number, reply)) = self.next_kept() {
            let sent = self.send(&carrier, number, &reply);
            self.moved((!sent).then_some((number, reply)));
            // Nothing is lost when the session ends just now: the next turn sees that, or the session that follows.
            if !sent && !carrier.is_closed() {
                return;
            }
        }
        self.tell_handled();
    }

    fn next_kept(&self) -> Option<(Arc<Peer>, u64, Frame)> {
        let carrier = self.state.lock().carrier.upgrade();
        let carrier = carrier.filter(|carrier| !carrier.is_closed())?;
        let mut state = self.state.lock();
        let (number, reply) = state.upstream.take_reply()?;
        state.moving += 1;
        Some((carrier, number, reply))
    }

    fn moved(&self, back: Option<(u64, Frame)>) {
        let mut state = self.state.lock();
        state.moving -= 1;
        back.into_iter().for_each(|(number, reply)| state.upstream.keep(number, reply));
    }

    fn send(&self, carrier: &Arc<Peer>, number: u64, reply: &Frame) -> bool {
        carrier.send_of(self.id, Item::Reply(number, reply.clone())).is_ok()
    }

    /// The session, while no reply waits that would have to go first.
    fn carrier_to_spare(&self) -> Option<Arc<Peer>> {
        let state = self.state.lock();
        if state.upstream.has_replies() { None } else { state.carrier.upgrade() }
    }

    /// It has a session now. Returns the one of before, and the place it had among those without.
    fn carried_by(&self, peer: &Arc<Peer>) -> (Option<Arc<Peer>>, Option<Left>) {
        let mut state = self.state.lock();
        let before = std::mem::replace(&mut state.carrier, Arc::downgrade(peer)).upgrade();
        if before.as_ref().is_none_or(|before| !Arc::ptr_eq(before, peer)) {
            state.tell_anew();
            state.giving_way.extend(before.as_ref().map(|before| before.number));
        }
        (before, state.left.take())
    }

    /// Its session leaves it, unless it has another one by now.
    fn left_by(&self, peer: &Arc<Peer>, place: Left) -> bool {
        let mut state = self.state.lock();
        state.giving_way.retain(|number| *number != peer.number);
        let left = std::ptr::eq(state.carrier.as_ptr(), Arc::as_ptr(peer));
        if left {
            state.carrier = Weak::new();
            state.left = Some(place);
        }
        left
    }
}

/// How far the server is with an outbox.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) taken: u64,
    pub(crate) handled: u64,
}

/// All outboxes of one server. One lock: it is taken when a session brings an outbox, for its first item, and at its end.
#[derive(Default)]
pub(crate) struct Outboxes(Mutex<Book>);

/// When an outbox was left by its session, and a number that tells it from others of that moment.
type Left = (Instant, u64);

#[derive(Default)]
struct Book {
    all: HashMap<Key, Arc<Outbox>>,
    /// Those without a session, the one that was left first before others.
    left: BTreeMap<Left, Key>,
    left_of: HashMap<Option<UserId>, usize>,
    number: u64,
}

impl Outboxes {
    pub(crate) fn find(&self, key: &Key) -> Option<Arc<Outbox>> {
        self.0.lock().all.get(key).cloned()
    }

    /// A session brings an outbox, which is begun if it is not known and the last item is named that was sent before. One that
    /// had it before is over: an outbox has one session at a time.
    pub(crate) fn carry(&self, key: &Key, sent_before: Option<u64>, peer: &Arc<Peer>) -> Option<Arc<Outbox>> {
        let (outbox, before) = {
            let mut book = self.0.lock();
            let known = book.all.get(key).cloned();
            let outbox = known.or_else(|| sent_before.map(|sent| book.begin(key, sent)))?;
            let (before, left) = outbox.carried_by(peer);
            if let Some(place) = left {
                book.no_longer_left(place);
            }
            (outbox, before)
        };
        if let Some(before) = before.filter(|before| !Arc::ptr_eq(before, peer)) {
            // What it could not deliver comes back to the outbox with its end.
            before.abort(Close::because(CloseCode::TAKEN_OVER, "its outbox has another session"));
        }
        Some(outbox)
    }

    /// A session that carried the outbox is over, or carries another one now.
    pub(crate) fn leave(&self, outbox: &Arc<Outbox>, peer: &Arc<Peer>, core: &Core) {
        let mut book = self.0.lock();
        let now = Instant::now();
        book.forget_old(now, core.config.times.outbox);
        book.number += 1;
        let place = (now, book.number);
        if outbox.left_by(peer, place) {
            book.leave(outbox, place);
        }
    }
}

impl Book {
    fn begin(&mut self, key: &Key, sent_before: u64) -> Arc<Outbox> {
        self.number += 1;
        let outbox = Outbox::new(key.clone(), self.number, sent_before);
        self.all.insert(key.clone(), Arc::clone(&outbox));
        outbox
    }

    fn leave(&mut self, outbox: &Outbox, place: Left) {
        let user = outbox.key.user.clone();
        let most = if user.is_some() { MAX_LEFT_PER_USER } else { MAX_LEFT_ANONYMOUS };
        let left = self.left_of.entry(user).or_insert(0);
        if *left >= most {
            self.all.remove(&outbox.key);
        } else {
            *left += 1;
            self.left.insert(place, outbox.key.clone());
        }
    }

    fn no_longer_left(&mut self, place: Left) -> Option<Key> {
        let key = self.left.remove(&place)?;
        if let Some(count) = self.left_of.get_mut(&key.user) {
            *count -= 1;
            if *count == 0 {
                self.left_of.remove(&key.user);
            }
        }
        Some(key)
    }

    /// Nobody wakes up for this: whoever leaves sweeps first.
    fn forget_old(&mut self, now: Instant, after: Duration) {
        while let Some((&place, _)) =
            self.left.first_key_value().filter(|((left, _), _)| now.duration_since(*left) >= after)
        {
            if let Some(key) = self.no_longer_left(place) {
                self.all.remove(&key);
            }
        }
    }
}
