//! What the application sends, in order, until the server has handled it: docs/wire.md, "The outbox".

use crate::event::Event;
use crate::message::Message;
use crate::time::Instant;
use crate::value::Value;
use sha1::{Digest, Sha1};
use std::collections::{BTreeMap, BTreeSet};

/// One event or request of one connection. Numbers are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemId(pub(super) u64);

impl ItemId {
    /// The number on the wire, for whoever keeps items beyond the life of a process.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// The item of this number, from 1; `None` for 0.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        (number > 0).then_some(Self(number))
    }
}

/// Whether an item is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// It is an event.
    Nothing,
    /// It is a request.
    Reply,
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: ItemId,
    /// Written for a server with the extension.
    pub(super) message: Message,
    pub(super) wants: Wants,
    deadline: Instant,
    /// Kept while it may have to be written for plain Sente.
    pub(super) event: Option<Event>,
}

#[derive(Debug)]
pub(super) struct Outbox {
    pub(super) name: [u8; 16],
    items: BTreeMap<ItemId, Item>,
    /// The same, by time.
    by_time: BTreeSet<(Instant, ItemId)>,
    bytes: usize,
    last: u64,
    /// The live carrier was given everything up to here.
    given: u64,
    /// The last item that any server may have.
    sent: u64,
    /// How often it was named in a hello.
    attempts: u64,
}

/// Sente counts requests in six hex digits.
const HEX_SLOTS: u64 = 0x100_0000;

impl Outbox {
    pub(super) fn new(name: [u8; 16]) -> Self {
        Self {
            name,
            items: BTreeMap::new(),
            by_time: BTreeSet::new(),
            bytes: 0,
            last: 0,
            given: 0,
            sent: 0,
            attempts: 0,
        }
    }

    /// Another one, for another user. Whoever does not know this one's name cannot guess the other's. No later life of this one
    /// has the same successor, whose numbers would begin at 1 again.
    pub(super) fn successor(&self) -> Self {
        let digest =
            Sha1::new().chain_update(self.name).chain_update(b"next").chain_update(self.attempts.to_be_bytes());
        let digest = digest.finalize();
        let mut name = [0; 16];
        name.copy_from_slice(&digest[..16]);
        Self::new(name)
    }

    /// What the server knows it by.
    pub(super) fn name(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.name))
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The item that [`Outbox::add`] would add.
    pub(super) fn next_id(&self) -> ItemId {
        ItemId(self.last + 1)
    }

    pub(super) fn add(&mut self, message: Message, wants: Wants, deadline: Instant, event: Option<Event>) -> ItemId {
        let id = self.next_id();
        self.last += 1;
        self.bytes += message.len();
        self.by_time.insert((deadline, id));
        self.items.insert(id, Item { id, message, wants, deadline, event });
        id
    }

    /// Puts an item back under its number, which must be above every other; any server may have it.
    pub(super) fn restore(&mut self, id: ItemId, message: Message, wants: Wants, deadline: Instant, event: Event) {
        self.last = id.0 - 1;
        self.sent = id.0;
        self.add(message, wants, deadline, Some(event));
    }

    pub(super) fn continue_after(&mut self, last: Option<ItemId>, life: u32) {
        self.last = self.last.max(last.map_or(0, |id| id.0));
        self.attempts = u64::from(life) << 32;
    }

    /// The number of the next hello.
    pub(super) fn next_attempt(&mut self) -> u64 {
        self.attempts += 1;
        self.attempts
    }

    /// Whether so large a number was given already.
    pub(super) fn has_given(&self, id: ItemId) -> bool {
        id.0 <= self.last
    }

    /// Takes an item out, unless it ended before.
    pub(super) fn remove(&mut self, id: ItemId) -> Option<Item> {
        let item = self.items.remove(&id)?;
        self.by_time.remove(&(item.deadline, id));
        self.bytes -= item.message.len();
        Some(item)
    }

    /// Whether it waits, and no server can have it.
    pub(super) fn is_unsent(&self, id: ItemId) -> bool {
        id.0 > self.sent && self.items.contains_key(&id)
    }

    /// The next item for the live carrier.
    pub(super) fn peek(&self) -> Option<&Item> {
        self.items.range(ItemId(self.given + 1)..).next().map(|(_, item)| item)
    }

    /// The live carrier has this one.
    pub(super) fn give(&mut self, id: ItemId) {
        self.given = id.0;
        self.sent = self.sent.max(id.0);
    }

    /// A carrier begins, to a server that has taken so much: what it has not taken goes out again.
    pub(super) fn rewind(&mut self, taken: u64) {
        self.given = taken;
    }

    /// The events up to this number, or the requests.
    pub(super) fn items_until(&self, handled: u64, wants: Wants) -> Vec<ItemId> {
        let items = self.items.range(..=ItemId(handled)).filter(|(_, item)| item.wants == wants);
        items.map(|(id, _)| *id).collect()
    }

    /// Everything, or everything that the live carrier was given.
    pub(super) fn all(&self, which: Which) -> Vec<ItemId> {
        let until = if which == Which::Given { self.given } else { u64::MAX };
        self.items.range(..=ItemId(until)).map(|(id, _)| *id).collect()
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.by_time.first().map(|(deadline, _)| *deadline)
    }

    pub(super) fn due(&self, now: Instant) -> Option<ItemId> {
        self.by_time.first().filter(|(deadline, _)| *deadline <= now).map(|(_, id)| *id)
    }

    /// The request that a slot names, if it names one at all.
    pub(super) fn named_by(&self, slot: &Value) -> Option<ItemId> {
        match slot {
            Value::Integer(number) => u64::try_from(*number).ok().map(ItemId),
            Value::String(hex) => self.named_by_hex(u64::from_str_radix(hex, 16).ok()?),
            _ => None,
        }
    }

    /// The last item whose number ends in these digits.
    fn named_by_hex(&self, low: u64) -> Option<ItemId> {
        let high = self.last - self.last % HEX_SLOTS;
        let id = high + low % HEX_SLOTS;
        let id = if id > self.last { id.checked_sub(HEX_SLOTS)? } else { id };
        Some(ItemId(id))
    }
}

/// See [`Outbox::all`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    All,
    Given,
}

impl ItemId {
    /// Its slot for Sente, which counts in six hex digits.
    pub(super) fn hex(self) -> Value {
        Value::String(format!("{:06x}", self.0 % HEX_SLOTS).into())
    }

    /// Its slot for Tsugi.
    pub(super) fn slot(self, wants: Wants) -> Value {
        let number = i64::try_from(self.0).unwrap_or(i64::MAX);
        Value::Integer(if wants == Wants::Reply { number } else { -number })
    }
}
