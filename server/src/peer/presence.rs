//! Whether a peer's user counts as online.

use super::{Job, Peer};
use crate::event;
use crate::session::Owner;
use crate::users::Edge;
use std::sync::Arc;
use tsugi_proto::Value;
use tsugi_proto::session::Transport;

impl Peer {
    pub(super) fn go_online(self: &Arc<Self>, transport: Transport) {
        let before = {
            let mut work = self.work.lock();
            let before = work.online.replace(transport);
            if work.gate.is_some() {
                return;
            }
            before
        };
        match before {
            Some(before) => self.core.users.switch(self.user(), before, transport),
            None => {
                if self.core.users.enter(self.user(), transport) == Edge::Online {
                    self.news(event::USER_ONLINE);
                }
            }
        }
    }

    pub(super) fn go_offline(self: &Arc<Self>) {
        let transport = {
            let mut work = self.work.lock();
            work.online.take().filter(|_| work.gate.is_none())
        };
        let Some(transport) = transport else { return };
        if self.core.users.leave(self.user(), transport) == Edge::Offline {
            self.news(event::USER_OFFLINE);
        }
    }

    fn news(self: &Arc<Self>, id: &'static str) {
        let user = self.user().map_or_else(|| self.kit().no_user(), |user| Value::String(user.as_str().into()));
        self.work.lock().jobs.push_back(Job::News(id, user));
        Arc::clone(self).readable();
    }
}
