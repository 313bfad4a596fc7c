//! How much of everything there may be. The page learns these with its welcome.

use serde::Serialize;

/// Rooms in all. Well below the topics a client may subscribe to (256), since everybody hears every room.
pub const ROOMS: i64 = 100;
/// Messages in one page of history.
pub const HISTORY: usize = 50;
/// Unread messages are counted up to here; the page shows "99+".
pub const UNREAD: i64 = 100;
/// Devices that are logged in for one person.
pub const LOGINS: i64 = 20;
/// Characters of a message.
pub const TEXT: usize = 2000;
/// Characters of a person's or a room's name.
pub const NAME: usize = 40;
/// People who are listed as online; beyond that the page shows a number.
pub const ONLINE: usize = 500;
/// Messages that one person may send at once, and each second in the long run.
pub const BURST: u64 = 60;
/// See [`BURST`].
pub const PER_SECOND: u64 = 2;
/// Bytes of the key that a page gives a message.
pub const KEY: usize = 64;

/// What the page must know to say no before the server does.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Limits {
    text: usize,
    name: usize,
    rooms: i64,
}

impl Limits {
    /// Those above.
    pub const ALL: Self = Self { text: TEXT, name: NAME, rooms: ROOMS };
}
