//! What the chat remembers, in SQLite. Every query is bounded, and each function is one transaction.

use crate::limits;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use std::path::Path;
use thiserror::Error;

/// Somebody with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Stays the same when the name changes.
    pub id: i64,
    /// Chosen by the person, unique but for capitals.
    pub name: String,
}

/// A place to talk, open to everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Its number.
    pub id: i64,
    /// Unique but for capitals.
    pub name: String,
}

/// A room as one person sees it in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The room.
    #[serde(flatten)]
    pub room: Room,
    /// The newest message's id, 0 when there is none.
    pub last: i64,
    /// The id of the last message this person has read, 0 for none.
    pub read: i64,
    /// Messages of others after it, counted up to [`limits::UNREAD`].
    pub unread: i64,
}

/// Something said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Ids grow with time, over all rooms.
    pub id: i64,
    /// Where.
    pub room: i64,
    /// Who.
    pub by: Person,
    /// What.
    pub text: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The page's own name for it, by which it finds the message it is waiting for.
    pub key: String,
}

/// Which messages of a room are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The newest.
    Newest,
    /// The newest of those older than this id.
    Before(i64),
    /// The oldest of those newer than this id: what a page missed.
    After(i64),
}

/// A run of messages, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct History {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether there are more in the direction that was asked for.
    pub more: bool,
}

/// A new message.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Who says it.
    pub person: i64,
    /// Where.
    pub room: i64,
    /// What.
    pub text: String,
    /// See [`Message::key`].
    pub key: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

/// A message, and whether it is new or the repetition of one that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Tell everybody.
    New(Message),
    /// Everybody has been told.
    Again(Message),
}

/// Why something was not remembered, or not found.
#[derive(Debug, Error)]
pub enum DbError {
    /// Somebody has that name.
    #[error("the name is taken")]
    NameTaken,
    /// Another room has that name.
    #[error("there is such a room already")]
    RoomTaken,
    /// There are as many rooms as there may be.
    #[error("there are {} rooms, and there cannot be more", limits::ROOMS)]
    TooManyRooms,
    /// There is no room of that number.
    #[error("there is no such room")]
    NoRoom,
    /// Nobody has that number.
    #[error("there is no such person")]
    NoPerson,
    /// SQLite failed: a full disk, a damaged file.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// An open database.
pub struct Db(Connection);

impl Db {
    /// Opens the file, and makes it and the first room if they are not there.
    ///
    /// # Errors
    /// When the file cannot be opened or is no database.
    pub fn open(path: &Path) -> Result<Self, DbError> {
        Self::prepare(Connection::open(path)?)
    }

    /// A database that is gone when it is dropped.
    ///
    /// # Errors
    /// When SQLite cannot start.
    #[cfg(test)]
    pub fn in_memory() -> Result<Self, DbError> {
        Self::prepare(Connection::open_in_memory()?)
    }

    fn prepare(connection: Connection) -> Result<Self, DbError> {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.execute_batch(include_str!("db/schema.sql"))?;
        connection.execute("INSERT OR IGNORE INTO rooms (name, folded) VALUES ('Lobby', 'lobby')", [])?;
        Ok(Self(connection))
    }

    /// A new person, with a login.
    ///
    /// # Errors
    /// [`DbError::NameTaken`].
    pub fn add_person(&mut self, name: &str, token: &str, at: i64) -> Result<Person, DbError> {
        let tx = self.0.transaction()?;
        let added = tx.execute(
            "INSERT INTO people (name, folded) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [name, &name.to_lowercase()],
        )?;
        if added == 0 {
            return Err(DbError::NameTaken);
        }
        let person = Person { id: tx.last_insert_rowid(), name: name.to_owned() };
        // What was said before somebody came is not news to them.
        tx.execute(
            "INSERT INTO marks (person, room, message) SELECT ?, room, max(id) FROM messages GROUP BY room",
            [person.id],
        )?;
        log_in(&tx, person.id, token, at)?;
        tx.commit()?;
        Ok(person)
    }

    /// Another login of a person; the oldest go when there are more than [`limits::LOGINS`].
    ///
    /// # Errors
    /// When the database fails.
    pub fn add_login(&mut self, person: i64, token: &str, at: i64) -> Result<(), DbError> {
        let tx = self.0.transaction()?;
        log_in(&tx, person, token, at)?;
        tx.commit()?;
        Ok(())
    }

    /// Forgets a login.
    ///
    /// # Errors
    /// When the database fails.
    pub fn remove_login(&mut self, token: &str) -> Result<(), DbError> {
        self.0.execute("DELETE FROM logins WHERE token = ?", [token])?;
        Ok(())
    }

    /// Whose login this is.
    ///
    /// # Errors
    /// When the database fails.
    pub fn person_of(&mut self, token: &str) -> Result<Option<Person>, DbError> {
        let mut query = self
            .0
            .prepare_cached("SELECT p.id, p.name FROM logins l JOIN people p ON p.id = l.person WHERE token = ?")?;
        Ok(query.query_row([token], person).optional()?)
    }

    /// The person with this number.
    ///
    /// # Errors
    /// [`DbError::NoPerson`].
    pub fn person(&mut self, id: i64) -> Result<Person, DbError> {
        let mut query = self.0.prepare_cached("SELECT id, name FROM people WHERE id = ?")?;
        query.query_row([id], person).optional()?.ok_or(DbError::NoPerson)
    }

    /// Gives a person another name.
    ///
    /// # Errors
    /// [`DbError::NameTaken`], [`DbError::NoPerson`].
    pub fn rename(&mut self, id: i64, name: &str) -> Result<Person, DbError> {
        let changed = self.0.execute(
            "UPDATE OR IGNORE people SET name = ?, folded = ? WHERE id = ?",
            params![name, name.to_lowercase(), id],
        )?;
        match changed {
            0 => self.person(id).and(Err(DbError::NameTaken)),
            _ => Ok(Person { id, name: name.to_owned() }),
        }
    }

    /// The rooms as one person sees them, in the order they were opened.
    ///
    /// # Errors
    /// When the database fails.
    pub fn rooms(&mut self, reader: i64) -> Result<Vec<Listed>, DbError> {
        let mut query = self.0.prepare_cached(
            "SELECT r.id, r.name, coalesce((SELECT max(id) FROM messages WHERE room = r.id), 0), coalesce(k.message, 0),
                    (SELECT count(*) FROM (SELECT 1 FROM messages WHERE room = r.id AND id > coalesce(k.message, 0)
                     AND person <> ?1 LIMIT ?2))
             FROM rooms r LEFT JOIN marks k ON k.room = r.id AND k.person = ?1 ORDER BY r.id LIMIT ?3",
        )?;
        let rows = query.query_map(params![reader, limits::UNREAD, limits::ROOMS], |row| {
            let room = Room { id: row.get(0)?, name: row.get(1)? };
            Ok(Listed { room, last: row.get(2)?, read: row.get(3)?, unread: row.get(4)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A new room.
    ///
    /// # Errors
    /// [`DbError::RoomTaken`], [`DbError::TooManyRooms`].
    pub fn open_room(&mut self, name: &str) -> Result<Room, DbError> {
        let tx = self.0.transaction()?;
        let count: i64 = tx.query_row("SELECT count(*) FROM rooms", [], |row| row.get(0))?;
        if count >= limits::ROOMS {
            return Err(DbError::TooManyRooms);
        }
        let folded = name.to_lowercase();
        let added =
            tx.execute("INSERT INTO rooms (name, folded) VALUES (?, ?) ON CONFLICT DO NOTHING", [name, &folded])?;
        if added == 0 {
            return Err(DbError::RoomTaken);
        }
        let room = Room { id: tx.last_insert_rowid(), name: name.to_owned() };
        tx.commit()?;
        Ok(room)
    }

    /// Whether there is such a room.
    ///
    /// # Errors
    /// [`DbError::NoRoom`].
    pub fn room(&mut self, id: i64) -> Result<Room, DbError> {
        let mut query = self.0.prepare_cached("SELECT id, name FROM rooms WHERE id = ?")?;
        let room = query.query_row([id], |row| Ok(Room { id: row.get(0)?, name: row.get(1)? })).optional()?;
        room.ok_or(DbError::NoRoom)
    }

    /// Says something, once for each key, and marks the room read up to there.
    ///
    /// # Errors
    /// [`DbError::NoRoom`].
    pub fn say(&mut self, draft: &Draft) -> Result<Said, DbError> {
        self.room(draft.room)?;
        let tx = self.0.transaction()?;
        let added = tx.execute(
            "INSERT INTO messages (room, person, text, at, key) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            params![draft.room, draft.person, draft.text, draft.at, draft.key],
        )?;
        let said = tx.query_row(
            &format!("{MESSAGES} WHERE m.person = ? AND m.key = ?"),
            params![draft.person, draft.key],
            message,
        )?;
        mark(&tx, draft.person, said.room, said.id)?;
        tx.commit()?;
        Ok(if added == 0 { Said::Again(said) } else { Said::New(said) })
    }

    /// At most [`limits::HISTORY`] messages of a room.
    ///
    /// # Errors
    /// [`DbError::NoRoom`].
    pub fn history(&mut self, room: i64, page: Page) -> Result<History, DbError> {
        self.room(room)?;
        let (condition, order, bound) = match page {
            Page::Newest => ("m.id < ?", "DESC", i64::MAX),
            Page::Before(id) => ("m.id < ?", "DESC", id),
            Page::After(id) => ("m.id > ?", "ASC", id),
        };
        let sql = format!("{MESSAGES} WHERE m.room = ? AND {condition} ORDER BY m.id {order} LIMIT ?");
        let mut query = self.0.prepare_cached(&sql)?;
        // One more than wanted tells whether there are more.
        let rows = query.query_map(params![room, bound, limits::HISTORY + 1], message)?;
        let mut messages = rows.collect::<Result<Vec<_>, _>>()?;
        let more = messages.len() > limits::HISTORY;
        messages.truncate(limits::HISTORY);
        messages.sort_unstable_by_key(|message| message.id);
        Ok(History { messages, more })
    }

    /// Remembers how far a person has read. A mark only moves forward, and never beyond what was said: the returned
    /// one is where it stands.
    ///
    /// # Errors
    /// [`DbError::NoRoom`].
    pub fn read(&mut self, person: i64, room: i64, message: i64) -> Result<i64, DbError> {
        self.room(room)?;
        let tx = self.0.transaction()?;
        let last: i64 =
            tx.query_row("SELECT coalesce(max(id), 0) FROM messages WHERE room = ?", [room], |row| row.get(0))?;
        let stands = mark(&tx, person, room, message.min(last))?;
        tx.commit()?;
        Ok(stands)
    }
}

const MESSAGES: &str =
    "SELECT m.id, m.room, p.id, p.name, m.text, m.at, m.key FROM messages m JOIN people p ON p.id = m.person";

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let by = Person { id: row.get(2)?, name: row.get(3)? };
    Ok(Message { id: row.get(0)?, room: row.get(1)?, by, text: row.get(4)?, at: row.get(5)?, key: row.get(6)? })
}

fn person(row: &Row<'_>) -> rusqlite::Result<Person> {
    Ok(Person { id: row.get(0)?, name: row.get(1)? })
}

fn log_in(tx: &Transaction<'_>, person: i64, token: &str, at: i64) -> Result<(), DbError> {
    tx.execute("INSERT INTO logins (token, person, since) VALUES (?, ?, ?)", params![token, person, at])?;
    tx.execute(
        "DELETE FROM logins WHERE person = ?1 AND token NOT IN
         (SELECT token FROM logins WHERE person = ?1 ORDER BY since DESC LIMIT ?2)",
        params![person, limits::LOGINS],
    )?;
    Ok(())
}

fn mark(tx: &Transaction<'_>, person: i64, room: i64, message: i64) -> Result<i64, DbError> {
    let stands = tx.query_row(
        "INSERT INTO marks (person, room, message) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET message = max(message, excluded.message) RETURNING message",
        [person, room, message],
        |row| row.get(0),
    )?;
    Ok(stands)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOBBY: i64 = 1;

    fn db() -> Db {
        Db::in_memory().unwrap()
    }

    fn say(db: &mut Db, person: i64, room: i64, n: usize) -> Message {
        let draft = Draft { person, room, text: format!("message {n}"), key: format!("k{room}-{n}"), at: 1000 };
        match db.say(&draft).unwrap() {
            Said::New(message) => message,
            Said::Again(message) => panic!("{message:?} was said already"),
        }
    }

    #[test]
    fn a_login_leads_to_its_person_until_it_is_removed() {
        let mut db = db();
        let ann = db.add_person("Ann", "t1", 0).unwrap();
        db.add_login(ann.id, "t2", 1).unwrap();
        assert_eq!(db.person_of("t1").unwrap(), Some(ann.clone()));
        assert_eq!(db.person_of("t2").unwrap(), Some(ann));
        db.remove_login("t1").unwrap();
        assert_eq!(db.person_of("t1").unwrap(), None);
        assert!(db.person_of("t2").unwrap().is_some());
    }

    #[test]
    fn the_oldest_login_goes_when_there_are_too_many() {
        let mut db = db();
        let ann = db.add_person("Ann", "first", 0).unwrap();
        for n in 0..limits::LOGINS {
            db.add_login(ann.id, &format!("t{n}"), n + 1).unwrap();
        }
        assert_eq!(db.person_of("first").unwrap(), None);
        assert!(db.person_of("t0").unwrap().is_some());
    }

    #[test]
    fn two_names_cannot_differ_by_capitals_only() {
        let mut db = db();
        let ann = db.add_person("Ann", "t1", 0).unwrap();
        assert!(matches!(db.add_person("ANN", "t2", 0), Err(DbError::NameTaken)));
        let bob = db.add_person("Bob", "t3", 0).unwrap();
        assert!(matches!(db.rename(bob.id, "ann"), Err(DbError::NameTaken)));
        assert_eq!(db.rename(ann.id, "ANN").unwrap().name, "ANN");
        assert!(matches!(db.rename(99, "Zoe"), Err(DbError::NoPerson)));
    }

    #[test]
    fn saying_something_again_is_saying_it_once() {
        let mut db = db();
        let ann = db.add_person("Ann", "t", 0).unwrap();
        let first = say(&mut db, ann.id, LOBBY, 1);
        let again = Draft { person: ann.id, room: LOBBY, text: "other".into(), key: first.key.clone(), at: 2000 };
        assert_eq!(db.say(&again).unwrap(), Said::Again(first));
        assert_eq!(db.history(LOBBY, Page::Newest).unwrap().messages.len(), 1);
    }

    #[test]
    fn history_is_paged_both_ways_and_stays_in_its_room() {
        let mut db = db();
        let ann = db.add_person("Ann", "t", 0).unwrap();
        let other = db.open_room("Other").unwrap();
        let wanted = limits::HISTORY + 10;
        let ids: Vec<_> = (0..wanted).map(|n| say(&mut db, ann.id, LOBBY, n).id).collect();
        say(&mut db, ann.id, other.id, 0);

        let newest = db.history(LOBBY, Page::Newest).unwrap();
        assert!(newest.more);
        assert_eq!(newest.messages.iter().map(|m| m.id).collect::<Vec<_>>(), ids[10..]);
        let earlier = db.history(LOBBY, Page::Before(ids[10])).unwrap();
        assert!(!earlier.more);
        assert_eq!(earlier.messages.iter().map(|m| m.id).collect::<Vec<_>>(), ids[..10]);
        let missed = db.history(LOBBY, Page::After(ids[wanted - 3])).unwrap();
        assert_eq!(missed.messages.iter().map(|m| m.id).collect::<Vec<_>>(), ids[wanted - 2..]);
        let first_missed = db.history(LOBBY, Page::After(0)).unwrap();
        assert!(first_missed.more);
        assert_eq!(first_missed.messages[0].id, ids[0]);
        assert!(matches!(db.history(99, Page::Newest), Err(DbError::NoRoom)));
    }

    #[test]
    fn unread_are_the_messages_of_others_after_the_mark() {
        let mut db = db();
        let ann = db.add_person("Ann", "a", 0).unwrap();
        let bob = db.add_person("Bob", "b", 0).unwrap();
        let first = say(&mut db, bob.id, LOBBY, 1);
        say(&mut db, bob.id, LOBBY, 2);
        let unread = |db: &mut Db, who: i64| db.rooms(who).unwrap()[0].unread;
        assert_eq!((unread(&mut db, ann.id), unread(&mut db, bob.id)), (2, 0));
        assert_eq!(db.read(ann.id, LOBBY, first.id).unwrap(), first.id);
        assert_eq!(unread(&mut db, ann.id), 1);
        assert_eq!(db.read(ann.id, LOBBY, 0).unwrap(), first.id, "a mark does not move back");
        assert_eq!(db.read(ann.id, LOBBY, i64::MAX).unwrap(), first.id + 1, "nor beyond what was said");
        assert_eq!(unread(&mut db, ann.id), 0);
    }

    #[test]
    fn what_was_said_before_somebody_came_is_not_unread() {
        let mut db = db();
        let ann = db.add_person("Ann", "a", 0).unwrap();
        say(&mut db, ann.id, LOBBY, 1);
        let bob = db.add_person("Bob", "b", 0).unwrap();
        assert_eq!(db.rooms(bob.id).unwrap()[0].unread, 0);
    }

    #[test]
    fn rooms_have_a_name_each_and_a_bound_together() {
        let mut db = db();
        assert!(matches!(db.open_room("LOBBY"), Err(DbError::RoomTaken)));
        for n in 1..limits::ROOMS {
            db.open_room(&format!("room {n}")).unwrap();
        }
        assert!(matches!(db.open_room("one more"), Err(DbError::TooManyRooms)));
    }

    #[test]
    fn a_file_keeps_what_was_said_when_it_is_opened_again() {
        let path = std::env::temp_dir().join(format!("tsugi-chat-test-{}.db", std::process::id()));
        let mut db = Db::open(&path).unwrap();
        let ann = db.add_person("Ann", "a", 0).unwrap();
        let said = say(&mut db, ann.id, LOBBY, 1);
        drop(db);
        let mut db = Db::open(&path).unwrap();
        assert_eq!(db.history(LOBBY, Page::Newest).unwrap().messages, [said]);
        drop(db);
        std::fs::remove_file(&path).unwrap();
    }
}
