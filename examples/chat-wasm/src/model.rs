//! What the page knows, without a word about how it looks.

use crate::wire::{Draft, Everybody, History, Mark, Message, Online, Person, Typing, Welcome};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Messages kept of a room that is not looked at; scrolling up brings the others back.
const KEPT: usize = 500;
/// Somebody who typed counts as typing for this long.
pub(crate) const TYPING_MS: u32 = 4_000;

/// A message on its way, or one that did not get there.
pub(crate) struct Pending {
    pub(crate) draft: Draft,
    /// Why it was not sent; `None` while it is on its way.
    pub(crate) failed: Option<String>,
}

/// A room and what is known of its messages.
#[derive(Default)]
pub(crate) struct Room {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// By id, oldest first, without gaps. Empty until the room is opened for the first time.
    pub(crate) messages: Vec<Rc<Message>>,
    pub(crate) loaded: bool,
    /// There are earlier ones on the server.
    pub(crate) more: bool,
    pub(crate) read: i64,
    pub(crate) unread: usize,
    /// Who types, and until when that is believed, in ms since 1970.
    pub(crate) typing: BTreeMap<i64, (String, f64)>,
}

/// Which part of a room's history came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Newest,
    Earlier,
    /// What was missed, in so many pages at most: of more than that, only the newest are shown.
    Missed(u8),
}

pub(crate) struct Model {
    pub(crate) me: Person,
    pub(crate) rooms: BTreeMap<i64, Room>,
    pub(crate) online: BTreeMap<i64, Person>,
    pub(crate) online_count: usize,
    pub(crate) pending: Vec<Pending>,
    /// Characters of a message.
    pub(crate) text_limit: usize,
    pub(crate) current: i64,
}

impl Model {
    pub(crate) fn new(me: Person) -> Self {
        let (rooms, online) = (BTreeMap::new(), BTreeMap::new());
        Self { me, rooms, online, online_count: 0, pending: Vec::new(), text_limit: 2_000, current: 0 }
    }

    /// The room that is looked at.
    pub(crate) fn room(&self) -> Option<&Room> {
        self.rooms.get(&self.current)
    }

    pub(crate) fn enter(&mut self, welcome: Welcome) {
        self.me = welcome.me;
        self.text_limit = welcome.limits.text;
        for listed in welcome.rooms {
            let room = self.open(listed.id, listed.name);
            room.read = room.read.max(listed.read);
            room.unread = listed.unread;
        }
        self.everybody(welcome.online);
    }

    pub(crate) fn open(&mut self, id: i64, name: String) -> &mut Room {
        self.rooms.entry(id).or_insert_with(|| Room { id, name, ..Room::default() })
    }

    /// Something was said.
    pub(crate) fn said(&mut self, message: Message) {
        let (me, current) = (self.me.id, self.current);
        let Some(room) = self.rooms.get_mut(&message.room) else { return };
        room.typing.remove(&message.by.id);
        let (mark, mine) = (Mark { room: room.id, message: message.id }, message.by.id == me);
        if mine {
            self.pending.retain(|pending| pending.draft.key != message.key);
        }
        // A room that was never opened loads its messages, this one included, when it is.
        let new = if room.loaded { room.add(vec![message]) > 0 } else { mark.message > room.read };
        if !mine && new && mark.message > room.read {
            room.unread += 1;
        }
        if room.id != current && room.messages.len() > 2 * KEPT {
            room.messages.drain(..room.messages.len() - KEPT);
            room.more = true;
        }
        if mine {
            self.read(mark);
        }
    }

    pub(crate) fn history(&mut self, room: i64, history: History, part: Part) {
        let me = self.me.id;
        let Some(room) = self.rooms.get_mut(&room) else { return };
        let mine = |key: &str| history.messages.iter().any(|message| message.by.id == me && message.key == key);
        self.pending.retain(|pending| !mine(&pending.draft.key));
        if !matches!(part, Part::Missed(_)) {
            room.more = history.more;
        }
        room.add(history.messages);
        room.loaded = true;
    }

    /// Too much was missed: the room begins afresh.
    pub(crate) fn forget(&mut self, room: i64) {
        if let Some(room) = self.rooms.get_mut(&room) {
            room.messages.clear();
            room.loaded = false;
        }
    }

    pub(crate) fn read(&mut self, mark: Mark) {
        let me = self.me.id;
        let Some(room) = self.rooms.get_mut(&mark.room).filter(|room| mark.message > room.read) else { return };
        room.read = mark.message;
        let unread = room.messages.iter().rev().take_while(|other| other.id > mark.message);
        room.unread = if room.loaded { unread.filter(|other| other.by.id != me).count() } else { 0 };
    }

    pub(crate) fn typing(&mut self, typing: Typing, now: f64) {
        if typing.by.id == self.me.id {
            return;
        }
        if let Some(room) = self.rooms.get_mut(&typing.room) {
            room.typing.insert(typing.by.id, (typing.by.name, now + f64::from(TYPING_MS)));
        }
    }

    /// Forgets who typed long ago.
    pub(crate) fn typed(&mut self, now: f64) {
        self.rooms.values_mut().for_each(|room| room.typing.retain(|_, (_, until)| *until > now));
    }

    pub(crate) fn renamed(&mut self, person: &Person) {
        if person.id == self.me.id {
            self.me.clone_from(person);
        }
        if let Some(known) = self.online.get_mut(&person.id) {
            known.clone_from(person);
        }
        let messages = self.rooms.values_mut().flat_map(|room| &mut room.messages);
        for message in messages.filter(|message| message.by.id == person.id) {
            Rc::make_mut(message).by.clone_from(person);
        }
    }

    pub(crate) fn online(&mut self, Online { came, went, all }: Online) {
        if let Some(person) = came
            && self.online.insert(person.id, person).is_none()
        {
            self.online_count += 1;
        }
        if went.is_some_and(|gone| self.online.remove(&gone.id).is_some()) {
            self.online_count = self.online_count.saturating_sub(1);
        }
        if let Some(all) = all {
            self.everybody(all);
        }
    }

    fn everybody(&mut self, everybody: Everybody) {
        self.online = everybody.people.into_iter().map(|person| (person.id, person)).collect();
        self.online_count = everybody.count;
    }

    pub(crate) fn unread_elsewhere(&self) -> usize {
        self.rooms.values().filter(|room| room.id != self.current).map(|room| room.unread).sum()
    }
}

impl Room {
    /// Puts messages where they belong; those that are there already stay once. Returns how many were new.
    fn add(&mut self, messages: Vec<Message>) -> usize {
        let before = self.messages.len();
        for message in messages {
            if let Err(place) = self.messages.binary_search_by_key(&message.id, |other| other.id) {
                self.messages.insert(place, Rc::new(message));
            }
        }
        self.messages.len() - before
    }
}
