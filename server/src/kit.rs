//! What is made once for each codec: profiles of its carriers, and the frames that never change.

use crate::config::{Limits, Times, Wire};
use crate::error::Refusal;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::codec::{EncodeError, Form, Older};
use tsugi_proto::framing::sockjs::{self, SockJsJoiner};
use tsugi_proto::session::{
    AfterLoss, Capacity, Config, EncodedEvent, Heartbeat, Item, Joiner, Profile, Rhythm, Transport,
};
use tsugi_proto::{Close, CloseCode, Codec, Event, Frame, Framing, Message, Value};

/// Bytes after which a Tsugi poll's response is sent although more waits.
const POLL_BYTES: usize = 256 * 1024;

/// Whose rules a session follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Sente's, of the version that its kit speaks.
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
    /// Whose envelope the codec writes.
    pub(crate) wire: Wire,
    pub(crate) session: Arc<Config>,
    sente: Carriers,
    tsugi: Carriers,
    /// A batch of nothing: does nothing at any client.
    pub(crate) nothing: Message,
    /// `[:chsk/timeout nil]`: nobody answered.
    pub(crate) timeout: Message,
    /// What a poll is answered with that had nothing to say: the same, or nothing for Sente 1.8 and before, which that would
    /// stop for good (sente.md 18.4).
    pub(crate) uneventful: Message,
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
        let current = all.map(|(codec, framing)| Self::new(Arc::clone(codec), framing, Wire::Current, limits, times));
        let older = codecs.first().map(older).unwrap_or_default().into_iter();
        current.chain(older.map(|(codec, wire)| Self::new(codec, Framing::Plain, wire, limits, times))).collect()
    }

    fn new(
        codec: Arc<dyn Codec>,
        framing: Framing,
        wire: Wire,
        limits: &Limits,
        times: &Times,
    ) -> Result<Self, EncodeError> {
        let word = |name: &str| codec.encode(&keyword(name), &Value::Nil);
        let pings = pings(wire, &word("chsk/ws-ping")?);
        let timeout = word("chsk/timeout")?;
        let nothing = codec.join(&[]);
        let uneventful = if wire == Wire::SenteV1 { nothing.clone() } else { timeout.clone() };
        let carriers = |protocol: Protocol, uneventful: &Message| Carriers {
            websocket: Arc::new(websocket_profile(protocol, times, &pings)),
            poll: Arc::new(poll_profile(protocol, times, uneventful)),
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
            sente: carriers(Protocol::Sente, &uneventful),
            tsugi: carriers(Protocol::Tsugi, &nothing),
            accepted: word("chsk/dummy-cb-200")?,
            nothing,
            timeout,
            uneventful,
            codec,
            framing,
            wire,
        })
    }

    /// The kit of this codec in this framing.
    pub(crate) fn named(kits: &[Self], framing: Framing, codec: &str) -> Option<usize> {
        kits.iter().position(|kit| kit.is_current(framing) && kit.codec.name() == codec)
    }

    /// The kit for plain Sente clients of this version; there is none for an older one where the first codec is binary.
    pub(crate) fn of_sente(kits: &[Self], wire: Wire) -> Option<usize> {
        kits.iter().position(|kit| kit.wire == wire)
    }

    fn is_current(&self, framing: Framing) -> bool {
        self.framing == framing && self.wire == Wire::Current
    }

    /// 400, with the codecs there are.
    pub(crate) fn unknown(kits: &[Self], framing: Framing) -> Refusal {
        let names: Vec<&str> = kits.iter().filter(|kit| kit.is_current(framing)).map(|kit| kit.codec.name()).collect();
        Refusal::new(http::StatusCode::BAD_REQUEST, format!("Unknown codec; choose one of: {}", names.join(", ")))
    }

    /// What a session must know of a carrier of this kind.
    pub(crate) fn profile(&self, protocol: Protocol, transport: Transport) -> Arc<Profile> {
        let carriers = if protocol == Protocol::Sente { &self.sente } else { &self.tsugi };
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

    /// A packet as a message by itself, such as a reply.
    pub(crate) fn write(&self, payload: &Value, slot: &Value) -> Result<Item, EncodeError> {
        match self.framing {
            Framing::Plain => self.codec.encode_frame(payload, slot).map(Item::Message),
            Framing::SockJs => self.codec.encode(payload, slot).map(|message| self.item(&message)),
        }
    }

    /// A message by itself.
    pub(crate) fn item(&self, message: &Message) -> Item {
        // A kit for SockJS has a text codec, so the framing takes whatever it writes.
        self.framing.item(message).unwrap_or_else(|_| Item::Message(Frame::message(message)))
    }

    /// How an anonymous user is written (sente.md 8.3).
    pub(crate) fn no_user(&self) -> Value {
        match self.wire {
            _ if self.codec.name() == "json" => Value::Nil,
            Wire::Current | Wire::SenteV2 => keyword("sente/nil-uid"),
            Wire::SenteV1 => keyword("taoensso.sente/nil-uid"),
        }
    }
}

/// A codec as older Sente speaks it, if it could be.
fn older(codec: &Arc<dyn Codec>) -> Vec<(Arc<dyn Codec>, Wire)> {
    let wrap = |older: Option<Older>, wire| older.map(|older| (Arc::new(older) as Arc<dyn Codec>, wire));
    let v2 = wrap(Older::v2(Arc::clone(codec)), Wire::SenteV2);
    v2.into_iter().chain(wrap(Older::v1(Arc::clone(codec)), Wire::SenteV1)).collect()
}

/// How a WebSocket's peer is asked whether it is there. Sente up to 1.18 does not answer its own ping, and up to 1.8 throws
/// at it (sente.md 18.4 and 18.8), but every WebSocket answers a ping of RFC 6455.
fn pings(wire: Wire, word: &Message) -> Vec<Frame> {
    match wire {
        Wire::Current => vec![Frame::message(word)],
        Wire::SenteV2 => vec![Frame::ping(b""), Frame::message(word)],
        Wire::SenteV1 => vec![Frame::ping(b"")],
    }
}

fn websocket_profile(protocol: Protocol, times: &Times, pings: &[Frame]) -> Profile {
    let heartbeat = |keep_alive: Duration| {
        let (every, rhythm, close) = match protocol {
            Protocol::Sente => (keep_alive / 2, Rhythm::WhenIdle, Close::because(CloseCode::NORMAL, "")),
            Protocol::Tsugi | Protocol::SockJs => {
                let close = Close::because(CloseCode::PING_TIMEOUT, "no answer to a ping");
                (keep_alive, Rhythm::AfterSilence, close)
            }
        };
        Heartbeat { every, rhythm, timeout: times.ping_timeout, frames: pings.to_vec(), close }
    };
    Profile {
        transport: Transport::WebSocket,
        capacity: Capacity::Unlimited,
        heartbeat: times.keep_alive.map(heartbeat),
        window: if protocol == Protocol::Sente { times.window_websocket } else { Duration::ZERO },
        grace: times.grace_websocket,
        after_loss: AfterLoss::Wait,
    }
}

fn poll_profile(protocol: Protocol, times: &Times, timeout: &Message) -> Profile {
    let heartbeat = Heartbeat {
        every: times.poll_timeout,
        rhythm: Rhythm::WhenIdle,
        timeout: None,
        frames: vec![Frame::message(timeout)],
        close: Close::because(CloseCode::NORMAL, ""),
    };
    Profile {
        transport: Transport::Poll,
        capacity: if protocol == Protocol::Sente { Capacity::One } else { Capacity::Bytes(POLL_BYTES) },
        heartbeat: Some(heartbeat),
        window: if protocol == Protocol::Sente { times.window_poll } else { Duration::ZERO },
        grace: times.grace_poll,
        after_loss: AfterLoss::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_websocket_of_tsugi_is_pinged_after_keep_alive_and_one_of_sente_after_half_of_it() {
        let times = Times::default().keep_alive(Some(Duration::from_secs(4)));
        let rhythm_of = |protocol| {
            let heartbeat = websocket_profile(protocol, &times, &[]).heartbeat.expect("it is on");
            (heartbeat.rhythm, heartbeat.every)
        };
        assert_eq!(rhythm_of(Protocol::Tsugi), (Rhythm::AfterSilence, Duration::from_secs(4)));
        assert_eq!(rhythm_of(Protocol::Sente), (Rhythm::WhenIdle, Duration::from_secs(2)));
    }
}
