//! The two WebSockets of SockJS, with frames and without.

use super::{Begin, Inner};
use crate::carrier::Hold;
use crate::carrier::ws::{Opening, Settings};
use crate::error::Refusal;
use crate::service::guard::{Admitted, Guard};
use crate::service::{Answer, Endpoint, Rules, Surface};
use crate::session::with;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use tsugi_proto::Framing;
use tsugi_proto::framing::sockjs;
use tsugi_proto::session::AfterClose;

/// How long an upgrade may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The two WebSockets of SockJS as an endpoint of the common service.
pub(super) struct Bridge {
    pub(super) inner: Arc<Inner>,
    pub(super) framing: Framing,
}

impl Endpoint for Bridge {
    fn guard(&self) -> &Arc<Guard> {
        self.inner.opener.guard()
    }

    fn rules(&self) -> Rules {
        let max_message = match self.framing {
            Framing::Plain => self.inner.opener.max_message(),
            Framing::SockJs => self.inner.config.max_body,
        };
        let settings = Settings { max_message, after_close: AfterClose::End, framing: self.framing };
        Rules { settings, max_body: 0, handshake: HANDSHAKE, surface: Surface::SockJs }
    }

    fn tasks(&self) -> &TaskTracker {
        self.inner.opener.tasks()
    }

    fn choose_protocol(&self, _: &HeaderMap) -> Option<HeaderValue> {
        None
    }

    /// The session id of a WebSocket's path means nothing: the socket is the session.
    fn websocket(self: Arc<Self>, admitted: Admitted) -> Result<Opening, Refusal> {
        let config = Arc::clone(&self.inner.socket_session);
        let begin = Begin { framing: self.framing, config, place: None };
        let owner = Arc::clone(&self.inner.opener).open(admitted, begin)?;
        let (profile, greeting) = match self.framing {
            Framing::Plain => (&self.inner.profiles.raw, None),
            Framing::SockJs => (&self.inner.profiles.websocket, Some(sockjs::open())),
        };
        let carrier = with(&owner, |session, now| session.attach(now, Arc::clone(profile), greeting));
        Ok(Opening::Attached(Hold { owner, carrier }))
    }

    fn poll(self: Arc<Self>, _: Admitted) -> Answer {
        Box::pin(async { Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "This is a WebSocket")) })
    }

    fn post(self: Arc<Self>, _: Admitted, _: Bytes) -> Answer {
        Box::pin(async { Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "This is a WebSocket")) })
    }
}
