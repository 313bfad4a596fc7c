//! The sessions of one SockJS service by the ids their clients chose, and those that only still say that they are closed.

use crate::error::Refusal;
use crate::identity::UserId;
use crate::session::{Owner, Register};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tsugi_proto::Close;
use tsugi_proto::session::{Closed, ClosedBy};

/// A session that lives.
pub(super) struct Entry {
    pub(super) owner: Arc<dyn Owner>,
    /// Who opened it: every later request must be from the same.
    pub(super) user: Option<UserId>,
    greeted: AtomicBool,
}

impl Entry {
    /// Whether this receiver is the first, who gets `o`.
    pub(super) fn is_first(&self) -> bool {
        !self.greeted.swap(true, Ordering::Relaxed)
    }
}

/// What an id means now.
pub(super) enum Found {
    Live(Arc<Entry>),
    /// Closed by the application, a moment ago.
    Closed(Close),
    Nothing,
}

enum Slot {
    Live(Arc<Entry>),
    Closed { close: Close, until: Instant },
}

/// One lock, taken for a look at a map. A session is opened under it, so that two requests at once open one.
pub(super) struct Registry {
    linger: Duration,
    most: usize,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    by_id: HashMap<Box<str>, Slot>,
    /// Closed sessions in the order in which they may be forgotten, at the earliest. Seen to when others come and go.
    closed: VecDeque<(Instant, Box<str>)>,
}

/// Why a session was not opened.
pub(super) enum OpenError {
    /// There are too many.
    Full,
    /// It may not be.
    Refused(Refusal),
}

impl Registry {
    pub(super) fn new(linger: Duration, most: usize) -> Arc<Self> {
        Arc::new(Self { linger, most, slots: Mutex::default() })
    }

    pub(super) fn find(&self, id: &str) -> Found {
        self.slots.lock().find(id, self.linger)
    }

    /// Finds a session, or opens one.
    pub(super) fn find_or_open(
        &self,
        id: &str,
        user: Option<&UserId>,
        open: impl FnOnce() -> Result<Arc<dyn Owner>, Refusal>,
    ) -> Result<Found, OpenError> {
        let mut slots = self.slots.lock();
        match slots.find(id, self.linger) {
            Found::Nothing => {}
            found => return Ok(found),
        }
        slots.forget_old();
        if slots.by_id.len() >= self.most {
            return Err(OpenError::Full);
        }
        let owner = open().map_err(OpenError::Refused)?;
        let entry = Arc::new(Entry { owner, user: user.cloned(), greeted: AtomicBool::new(false) });
        slots.by_id.insert(id.into(), Slot::Live(Arc::clone(&entry)));
        Ok(Found::Live(entry))
    }
}

impl Slots {
    /// Asking for a closed session keeps it in mind a while longer.
    fn find(&mut self, id: &str, linger: Duration) -> Found {
        match self.by_id.get_mut(id) {
            Some(Slot::Live(entry)) => Found::Live(Arc::clone(entry)),
            Some(Slot::Closed { close, until }) if *until > Instant::now() => {
                *until = Instant::now() + linger;
                Found::Closed(close.clone())
            }
            Some(Slot::Closed { .. }) => {
                self.by_id.remove(id);
                Found::Nothing
            }
            None => Found::Nothing,
        }
    }

    fn forget_old(&mut self) {
        let now = Instant::now();
        while let Some((_, id)) = self.closed.pop_front_if(|(at, _)| *at <= now) {
            match self.by_id.get(&id) {
                Some(Slot::Closed { until, .. }) if *until > now => self.closed.push_back((*until, id)),
                Some(Slot::Closed { .. }) => {
                    self.by_id.remove(&id);
                }
                // The id is in use again.
                Some(Slot::Live(_)) | None => {}
            }
        }
    }
}

impl Register for Registry {
    fn ended(&self, id: &str, closed: &Closed) {
        let mut slots = self.slots.lock();
        slots.forget_old();
        slots.by_id.remove(id);
        // Whoever asks for a session that this end closed is told so; one that was lost is forgotten.
        if closed.by == ClosedBy::Us {
            let until = Instant::now() + self.linger;
            slots.by_id.insert(id.into(), Slot::Closed { close: closed.close.clone(), until });
            slots.closed.push_back((until, id.into()));
        }
    }
}
