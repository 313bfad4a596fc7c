//! A page has no files: what is under way ends with it. What natively keeps it is here without anything to do.

use crate::error::SendError;
use crate::shared::{Again, Kind};
use std::time::Duration;
use tsugi_proto::connection::{ItemId, Reply};
use tsugi_proto::{Connection, Event, EventId, Instant};

/// There is none.
#[derive(Clone, Debug)]
pub(crate) enum Persistent {}

impl Persistent {
    pub(crate) fn timeout_of(&self, _: &EventId, _: Kind) -> Option<Duration> {
        match *self {}
    }
}

/// There are none.
pub(crate) enum Problems {}

impl Problems {
    pub(crate) fn tell(self) {
        match self {}
    }
}

#[derive(Default)]
pub(crate) struct Keeper {}

impl Keeper {
    pub(crate) fn reopen(&mut self, _: &mut Connection, _: Instant) -> Vec<Again> {
        Vec::new()
    }

    #[allow(clippy::unnecessary_wraps, reason = "natively a disk may be full")]
    pub(crate) fn put(&mut self, _: &Connection, _: &Event, _: Kind, _: Duration) -> Result<(), SendError> {
        Ok(())
    }

    pub(crate) fn take_back(&mut self, _: ItemId) {}

    pub(crate) fn settled(&mut self, _: &Connection, _: ItemId, _: &Reply) {}

    pub(crate) fn leave(&mut self) {}

    pub(crate) fn problems(&mut self) -> Option<Problems> {
        None
    }
}
