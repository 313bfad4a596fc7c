//! What is made once for each codec: profiles of its carriers, and the frames that never change.

use crate::config::{Limits, Times};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::codec::EncodeError;
use tsugi_proto::session::{Capacity, Config, EncodedEvent, Heartbeat, Joiner, Profile, Transport};
use tsugi_proto::{Close, CloseCode, Codec, Event, Frame, Message, Value};

/// Bytes after which a Tsugi poll's response is sent although more waits.
const POLL_BYTES: usize = 256 * 1024;

/// Whose conventions a session follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Sente 1.21 and later, exactly.
    Sente,
    /// The same with the extension of docs/wire.md.
    Tsugi,
}

/// One codec, and all that is prepared for it.
#[derive(Debug)]
pub(crate) struct Kit {
    pub(crate) codec: Arc<dyn Codec>,
    pub(crate) session: Arc<Config>,
    sente: Carriers,
    tsugi: Carriers,
    /// A batch of nothing: does nothing at any client.
    pub(crate) nothing: Message,
    /// `[:chsk/timeout nil]`.
    pub(crate) timeout: Message,
    /// `[:chsk/dummy-cb-200 nil]`.
    pub(crate) accepted: Message,
}

#[derive(Debug)]
struct Carriers {
    websocket: Arc<Profile>,
    poll: Arc<Profile>,
}

#[derive(Debug)]
struct CodecJoiner(Arc<dyn Codec>);

impl Joiner for CodecJoiner {
    fn join(&self, bodies: &[Bytes]) -> Frame {
        Frame::message(&self.0.join(bodies))
    }
}

/// A keyword as a value.
pub(crate) fn keyword(name: &str) -> Value {
    Value::Keyword(name.into())
}

impl Kit {
    pub(crate) fn new(codec: Arc<dyn Codec>, limits: &Limits, times: &Times) -> Result<Self, EncodeError> {
        let word = |name: &str| codec.encode(&keyword(name), &Value::Nil);
        let ping = Frame::message(&word("chsk/ws-ping")?);
        let timeout = word("chsk/timeout")?;
        let nothing = codec.join(&[]);
        let carriers = |wire: Wire| Carriers {
            websocket: Arc::new(websocket_profile(wire, times, &ping)),
            poll: Arc::new(poll_profile(wire, times, if wire == Wire::Sente { &timeout } else { &nothing })),
        };
        let session = Config {
            max_queue_items: limits.max_queue_items,
            max_queue_bytes: limits.max_queue_bytes,
            max_inbox: limits.max_inbox,
            expire: times.expire.max(Duration::from_millis(1)),
            joiner: Arc::new(CodecJoiner(Arc::clone(&codec))),
        };
        Ok(Self {
            session: Arc::new(session),
            sente: carriers(Wire::Sente),
            tsugi: carriers(Wire::Tsugi),
            accepted: word("chsk/dummy-cb-200")?,
            nothing,
            timeout,
            codec,
        })
    }

    /// What a session must know of a carrier of this kind.
    pub(crate) fn profile(&self, wire: Wire, transport: Transport) -> Arc<Profile> {
        let carriers = if wire == Wire::Sente { &self.sente } else { &self.tsugi };
        Arc::clone(if transport == Transport::WebSocket { &carriers.websocket } else { &carriers.poll })
    }

    /// An event encoded once, for every session of this codec.
    pub(crate) fn encode(&self, event: &Event) -> Result<Arc<EncodedEvent>, EncodeError> {
        let body = self.codec.encode_event(event)?;
        let frame = Frame::message(&self.codec.join(std::slice::from_ref(&body)));
        Ok(Arc::new(EncodedEvent { body, frame }))
    }

    /// How an anonymous user is written (sente.md 8.3).
    pub(crate) fn no_user(&self) -> Value {
        if self.codec.name() == "json" { Value::Nil } else { keyword("sente/nil-uid") }
    }
}

fn websocket_profile(wire: Wire, times: &Times, ping: &Frame) -> Profile {
    let close = match wire {
        Wire::Sente => Close::because(CloseCode::NORMAL, ""),
        Wire::Tsugi => Close::because(CloseCode::PING_TIMEOUT, "no answer to a ping"),
    };
    let heartbeat =
        |every: Duration| Heartbeat { every: every / 2, timeout: times.ping_timeout, frame: ping.clone(), close };
    Profile {
        transport: Transport::WebSocket,
        capacity: Capacity::Unlimited,
        heartbeat: times.keep_alive.map(heartbeat),
        window: if wire == Wire::Sente { times.window_websocket } else { Duration::ZERO },
        grace: times.grace_websocket,
    }
}

fn poll_profile(wire: Wire, times: &Times, timeout: &Message) -> Profile {
    let heartbeat = Heartbeat {
        every: times.poll_timeout,
        timeout: None,
        frame: Frame::message(timeout),
        close: Close::because(CloseCode::NORMAL, ""),
    };
    Profile {
        transport: Transport::Poll,
        capacity: if wire == Wire::Sente { Capacity::One } else { Capacity::Bytes(POLL_BYTES) },
        heartbeat: Some(heartbeat),
        window: if wire == Wire::Sente { times.window_poll } else { Duration::ZERO },
        grace: times.grace_poll,
    }
}
