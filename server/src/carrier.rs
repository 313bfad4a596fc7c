//! Carriers move frames between one HTTP response or WebSocket and a session.

pub(crate) mod poll;
pub(crate) mod stream;
pub(crate) mod ws;

use crate::session::{Owner, carry};
use std::sync::Arc;
use tsugi_proto::session::CarrierId;

/// A session as one carrier has it. Dropping it detaches the carrier, whatever ended it.
pub(crate) struct Hold {
    pub(crate) owner: Arc<dyn Owner>,
    pub(crate) carrier: CarrierId,
}

impl Drop for Hold {
    fn drop(&mut self) {
        carry(&self.owner, |session, now| session.detach(now, self.carrier));
    }
}
