//! What is made once for each codec: profiles of its carriers, and the frames that never change.

use crate::config::{Limits, Times};
use crate::error::Refusal;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::codec::{EncodeError, Form};
use tsugi_proto::framing::sockjs::{self, SockJsJoiner};
use tsugi_proto::session::{
    AfterLoss, Capacity, Config, EncodedEvent, Heartbeat, Item, Joiner, Profile, Rhythm, Transport,
};
use tsugi_proto::{Close, CloseCode, Codec, Event, Frame, Framing, Message, Value};

/// Bytes after which a Tsugi poll's response is sent although more waits.
const POLL_BYTES: usize = 256 * 1024;

/// Whose conventions a session follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Sente 1.21 and later, exactly.
    Sente,
    /// The same with the extension of docs/wire.md.
    Tsugi,
    /// The packets of Sente as SockJS messages (docs/sockjs.md).
    SockJs,
}

/// One codec in one framing, and all that is prepared for it.
#[derive(Debug)]
pub(crate) struct Kit {
    pub(crate) codec: Arc<dyn Codec>,
    pub(crate) framing: Framing,
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
    /// A kit for each codec, and after those, one for each that SockJS can carry: it moves text.
    pub(crate) fn all(codecs: &[Arc<dyn Codec>], limits: &Limits, times: &Times) -> Result<Vec<Self>, EncodeError> {
        let texts = codecs.iter().filter(|codec| codec.form() == Form::Text).map(|codec| (codec, Framing::SockJs));
        let all = codecs.iter().map(|codec| (codec, Framing::Plain)).chain(texts);
        all.map(|(codec, framing)| Self::new(Arc::clone(codec), framing, limits, times)).collect()
    }

    fn new(codec: Arc<dyn Codec>, framing: Framing, limits: &Limits, times: &Times) -> Result<Self, EncodeError> {
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
            joiner: match framing {
                Framing::Plain => Arc::new(CodecJoiner(Arc::clone(&codec))),
                Framing::SockJs => Arc::new(SockJsJoiner),
            },
        };
        Ok(Self {
            session: Arc::new(session),
            sente: carriers(Wire::Sente),
            tsugi: carriers(Wire::Tsugi),
            accepted: word("chsk/dummy-cb-200")?,
            nothing,
            timeout,
            codec,
            framing,
        })
    }

    /// The kit of this codec in this framing.
    pub(crate) fn named(kits: &[Self], framing: Framing, codec: &str) -> Option<usize> {
        kits.iter().position(|kit| kit.framing == framing && kit.codec.name() == codec)
    }

    /// 400, with the codecs there are.
    pub(crate) fn unknown(kits: &[Self], framing: Framing) -> Refusal {
        let names: Vec<&str> = kits.iter().filter(|kit| kit.framing == framing).map(|kit| kit.codec.name()).collect();
        Refusal::new(http::StatusCode::BAD_REQUEST, format!("Unknown codec; choose one of: {}", names.join(", ")))
    }

    /// What a session must know of a carrier of this kind.
    pub(crate) fn profile(&self, wire: Wire, transport: Transport) -> Arc<Profile> {
        let carriers = if wire == Wire::Sente { &self.sente } else { &self.tsugi };
        Arc::clone(if transport == Transport::WebSocket { &carriers.websocket } else { &carriers.poll })
    }

    /// An event encoded once, for every session of this codec.
    pub(crate) fn encode(&self, event: &Event) -> Result<Arc<EncodedEvent>, EncodeError> {
        let body = self.codec.encode_event(event)?;
        let message = self.codec.join(std::slice::from_ref(&body));
        Ok(Arc::new(match (self.framing, &message) {
            (Framing::SockJs, Message::Text(text)) => sockjs::encode(text.as_str()),
            _ => EncodedEvent { body, frame: Frame::message(&message) },
        }))
    }

    /// A message by itself, such as a reply.
    pub(crate) fn item(&self, message: &Message) -> Item {
        // A kit for SockJS has a text codec, so the framing takes whatever it writes.
        self.framing.item(message).unwrap_or_else(|_| Item::Message(Frame::message(message)))
    }

    /// How an anonymous user is written (sente.md 8.3).
    pub(crate) fn no_user(&self) -> Value {
        if self.codec.name() == "json" { Value::Nil } else { keyword("sente/nil-uid") }
    }
}

fn websocket_profile(wire: Wire, times: &Times, ping: &Frame) -> Profile {
    let close = if wire == Wire::Sente {
        Close::because(CloseCode::NORMAL, "")
    } else {
        Close::because(CloseCode::PING_TIMEOUT, "no answer to a ping")
    };
    let heartbeat = |every: Duration| Heartbeat {
        every: every / 2,
        rhythm: Rhythm::WhenIdle,
        timeout: times.ping_timeout,
        frames: vec![ping.clone()],
        close,
    };
    Profile {
        transport: Transport::WebSocket,
        capacity: Capacity::Unlimited,
        heartbeat: times.keep_alive.map(heartbeat),
        window: if wire == Wire::Sente { times.window_websocket } else { Duration::ZERO },
        grace: times.grace_websocket,
        after_loss: AfterLoss::Wait,
    }
}

fn poll_profile(wire: Wire, times: &Times, timeout: &Message) -> Profile {
    let heartbeat = Heartbeat {
        every: times.poll_timeout,
        rhythm: Rhythm::WhenIdle,
        timeout: None,
        frames: vec![Frame::message(timeout)],
        close: Close::because(CloseCode::NORMAL, ""),
    };
    Profile {
        transport: Transport::Poll,
        capacity: if wire == Wire::Sente { Capacity::One } else { Capacity::Bytes(POLL_BYTES) },
        heartbeat: Some(heartbeat),
        window: if wire == Wire::Sente { times.window_poll } else { Duration::ZERO },
        grace: times.grace_poll,
        after_loss: AfterLoss::Wait,
    }
}
