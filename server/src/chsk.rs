//! The events endpoint: what GET, POST and the first frame of a WebSocket mean (sente.md sections 2, 9–11; docs/wire.md).

mod sente;

use crate::carrier::Hold;
use crate::carrier::poll::{Brought, End, hold};
use crate::carrier::ws::{Greeter, Opening, Settings};
use crate::config::Wire;
use crate::core::{Core, Who};
use crate::error::Refusal;
use crate::hello::{Hello, count, gap};
use crate::identity::{ConnectRequest, SessionId};
use crate::kit::{Kit, Protocol, keyword};
use crate::outbox::{Counts, Key};
use crate::peer::{Peer, handshake};
use crate::service::body::Body;
use crate::service::guard::{Admitted, Csrf, Guard, asks_for_tsugi, same_token};
use crate::service::{Answer, Endpoint, Rules, Surface, ok};
use crate::session::{Owner, with};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use std::sync::Arc;
use tokio_util::task::TaskTracker;
use tsugi_proto::codec::DecodeError;
use tsugi_proto::session::{AfterClose, CarrierId, Resumed, Transport};
use tsugi_proto::{Close, CloseCode, Frame, Framing, Message, Utf8Bytes, Value};

/// The header by which a Tsugi client proves its session.
pub(crate) const SESSION_HEADER: &str = "tsugi-session";

/// After so many items, and so long after the first of them, a client on a WebSocket says that they have arrived. Far below
/// what is kept, so that nothing is given up in a quiet moment; seldom enough to cost nothing.
const ACK_ITEMS: i64 = 64;
const ACK_MILLIS: i64 = 5_000;

/// The endpoint of one server.
pub(crate) struct Chsk {
    pub(crate) core: Arc<Core>,
    /// Whom it speaks to, unless a client asks for Tsugi's own wire.
    pub(crate) wire: Wire,
}

impl Endpoint for Chsk {
    fn guard(&self) -> &Arc<Guard> {
        &self.core.guard
    }

    fn rules(&self) -> Rules {
        let max_message = self.core.config.limits.max_message;
        Rules {
            settings: Settings { max_message, after_close: AfterClose::Detach, framing: Framing::Plain },
            // A form writes most characters of a packet as three.
            max_body: max_message.saturating_mul(3).saturating_add(4 * 1024),
            handshake: self.core.config.times.handshake,
            surface: Surface::Events,
        }
    }

    fn tasks(&self) -> &TaskTracker {
        &self.core.tasks
    }

    fn choose_protocol(&self, _: &HeaderMap) -> Option<HeaderValue> {
        None
    }

    fn websocket(self: Arc<Self>, admitted: Admitted) -> Result<Opening, Refusal> {
        let asked = Asked::of(&self.core, self.wire, admitted)?;
        if asked.protocol == Protocol::Tsugi { self.open_tsugi(asked) } else { self.open_sente(&asked) }
    }

    fn poll(self: Arc<Self>, admitted: Admitted) -> Answer {
        Box::pin(async move {
            let asked = Asked::of(&self.core, self.wire, admitted)?;
            if asked.protocol == Protocol::Tsugi { self.poll_tsugi(asked).await } else { self.poll_sente(asked).await }
        })
    }

    fn post(self: Arc<Self>, admitted: Admitted, body: Bytes) -> Answer {
        Box::pin(async move {
            let asked = Asked::of(&self.core, self.wire, admitted)?;
            if asked.protocol == Protocol::Tsugi {
                self.post_tsugi(&asked, body).await
            } else {
                self.post_sente(asked, body).await
            }
        })
    }
}

/// An admitted request with what it asks for.
struct Asked {
    admitted: Admitted,
    protocol: Protocol,
    kit: usize,
}

impl Asked {
    fn of(core: &Core, wire: Wire, admitted: Admitted) -> Result<Self, Refusal> {
        if !asks_for_tsugi(&admitted.request) {
            let kit = Kit::of_sente(&core.kits, wire).unwrap_or(0);
            return Ok(Self { admitted, protocol: Protocol::Sente, kit });
        }
        let kit = match admitted.request.param("codec") {
            None => Some(0),
            Some(name) => Kit::named(&core.kits, Framing::Plain, name),
        };
        let Some(kit) = kit else {
            return Err(Kit::unknown(&core.kits, Framing::Plain));
        };
        Ok(Self { admitted, protocol: Protocol::Tsugi, kit })
    }

    fn request(&self) -> &ConnectRequest {
        &self.admitted.request
    }

    fn who(&self, core: &Core) -> Result<Who, Refusal> {
        let client = self.request().client_id().cloned().ok_or_else(|| bad("Bad parameter client-id"))?;
        Ok(Who {
            user: self.admitted.identity.user.clone(),
            client,
            extensions: self.admitted.identity.extensions.clone(),
            address: core.config.hooks.address.as_ref().and_then(|address| address(self.request())),
        })
    }

    /// Whether a session is this client's to use: the same user, client id, codec.
    fn owns(&self, peer: &Peer) -> bool {
        peer.user() == self.admitted.identity.user.as_ref()
            && Some(peer.client()) == self.request().client_id()
            && peer.kit_index() == self.kit
    }
}

fn bad(text: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, text)
}

/// A value that could not be written by this codec, which is a mistake of the application.
fn unwritable(error: &tsugi_proto::codec::EncodeError) -> Refusal {
    tracing::error!(target: "tsugi", %error, "a handshake could not be written");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "The handshake could not be written")
}

impl Chsk {
    fn kit(&self, asked: &Asked) -> &Kit {
        &self.core.kits[asked.kit]
    }

    fn handshake(&self, asked: &Asked) -> Result<Message, Refusal> {
        let kit = self.kit(asked);
        let data = (self.core.config.hooks.handshake_data)(asked.request());
        let extension = (asked.protocol == Protocol::Tsugi).then(|| self.extension());
        let payload = handshake(kit, asked.admitted.identity.user.as_ref(), data, extension);
        kit.codec.encode(&payload, &Value::Nil).map_err(|error| unwritable(&error))
    }

    /// The handshake's fourth element.
    fn extension(&self) -> Value {
        let times = &self.core.config.times;
        let millis = |time: std::time::Duration| Value::Integer(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        // A server that asks does so before its clients, so that not both do.
        let later = |keep_alive: std::time::Duration| keep_alive.saturating_mul(6) / 5;
        let ping = times.keep_alive.map_or(std::time::Duration::from_secs(25), later);
        let limit = i64::try_from(self.core.config.limits.max_message).unwrap_or(i64::MAX);
        Value::Map(vec![
            (keyword("tsugi"), Value::Integer(1)),
            (keyword("max-message"), Value::Integer(limit)),
            (keyword("ping-ms"), millis(ping)),
            (keyword("ping-timeout-ms"), millis(std::time::Duration::from_secs(5))),
            (keyword("poll-ms"), millis(times.poll_timeout)),
            (keyword("ack-items"), Value::Integer(ACK_ITEMS)),
            (keyword("ack-ms"), Value::Integer(ACK_MILLIS)),
        ])
    }

    // Tsugi.

    fn open_tsugi(&self, asked: Asked) -> Result<Opening, Refusal> {
        let frame = Frame::message(&self.handshake(&asked)?);
        let within = self.core.config.times.handshake;
        let greeter = TsugiGreeter { chsk: Self { core: Arc::clone(&self.core), wire: self.wire }, asked };
        Ok(Opening::Greeting(frame, Box::new(greeter), within))
    }

    async fn poll_tsugi(&self, asked: Asked) -> Result<Response<Body>, Refusal> {
        if asked.request().param("handshake?").is_some() || asked.request().header(SESSION_HEADER).is_none() {
            return Ok(self.respond(&asked, &self.handshake(&asked)?));
        }
        let peer = self.tsugi_peer(&asked)?;
        if !peer.polls() {
            return Ok(self.respond(&asked, &self.kit(&asked).nothing));
        }
        let resumed = match asked.request().param("ack").map(str::parse) {
            None => Some((attach(&peer, Transport::Poll, None), Vec::new())),
            Some(Ok(received)) => self.resume_poll(&asked, &peer, received)?,
            Some(Err(_)) => return Err(bad("Bad parameter ack: write how many items have arrived")),
        };
        let Some((held, head)) = resumed else {
            return Ok(self.respond(&asked, &self.kit(&asked).nothing));
        };
        let brought = hold(held).await;
        Ok(self.respond(&asked, &self.body_of(&asked, head, &brought)?))
    }

    /// A poll says what has arrived and so is a small resume. The answer begins with the number of the item that is next.
    /// `None` for a poll that a later one has overtaken: what it asks for is forgotten, and nobody lacks it.
    fn resume_poll(&self, asked: &Asked, peer: &Arc<Peer>, received: u64) -> Result<Option<PollBegun>, Refusal> {
        let owner: Arc<dyn Owner> = peer.owner();
        let profile = self.kit(asked).profile(Protocol::Tsugi, Transport::Poll);
        let resumed = with(&owner, |session, now| {
            let overtaken = received < session.acknowledged();
            (!overtaken).then(|| session.resume(now, profile, received, |_| None))
        });
        let Some(resumed) = resumed else { return Ok(None) };
        let (carrier, resumed) = resumed.map_err(|error| {
            tracing::warn!(target: "tsugi", client = %peer.client(), %error, "the client counts differently");
            self.no_such_session()
        })?;
        let hold = Hold { owner, carrier };
        if let Some(gap) = overflow(&resumed) {
            peer.tell_gap(gap);
        }
        let payload = Value::Vector(vec![keyword("chsk/from"), count(resumed.next)]);
        let from = self.kit(asked).codec.encode(&payload, &Value::Nil).map_err(|error| unwritable(&error))?;
        Ok(Some((hold, vec![from])))
    }

    fn body_of(&self, asked: &Asked, head: Vec<Message>, brought: &Brought) -> Result<Message, Refusal> {
        let kit = self.kit(asked);
        let mut messages: Vec<Message> = brought.frames.iter().filter_map(Frame::to_message).collect();
        if !messages.is_empty() {
            messages.splice(0..0, head);
        }
        if let End::Closed(close) = &brought.end {
            let what = Value::Map(vec![
                (keyword("code"), Value::Integer(close.code.get().into())),
                (keyword("reason"), Value::String(close.reason.as_str().into())),
            ]);
            let payload = Value::Vector(vec![keyword("chsk/close"), what]);
            messages.push(kit.codec.encode(&payload, &Value::Nil).map_err(|error| unwritable(&error))?);
        }
        match messages.len() {
            0 => Ok(kit.nothing.clone()),
            1 => Ok(messages.remove(0)),
            _ => Ok(kit.codec.concat(&messages)),
        }
    }

    async fn post_tsugi(&self, asked: &Asked, body: Bytes) -> Result<Response<Body>, Refusal> {
        let kit = self.kit(asked);
        let message = match kit.codec.form() {
            tsugi_proto::codec::Form::Text => text(body)?,
            tsugi_proto::codec::Form::Binary => Message::Binary(body),
        };
        self.check_size(&message)?;
        let received = kit.codec.decode_events(&message).map_err(|error| self.undecodable(&error))?;
        if let Some(hello) = received.first().and_then(|first| Hello::read(kit, first)) {
            let met = self.meet(asked, &hello)?;
            met.peer.greeted(Transport::Poll, hello.attempt);
            let resumed = met.received.map(|received| {
                with(&met.peer.owner(), |session, _| {
                    session.keep();
                    session.plan(received)
                })
            });
            let resumed = resumed.transpose().map_err(|_| self.no_such_session())?;
            met.tell(resumed.as_ref());
            met.peer.send_kept_replies();
            return Ok(self.respond(asked, &self.welcome(asked, &met, resumed.as_ref())?));
        }
        let peer = self.tsugi_peer(asked)?;
        let received = received.into_iter().map(|received| (received, None)).collect();
        peer.post(received).await.map_err(|_| self.core.guard.busy("Too many events wait already"))?;
        Ok(self.respond(asked, &kit.accepted))
    }

    /// The session that the request names and may use. Anything else is the same 409: nobody learns which it was.
    fn tsugi_peer(&self, asked: &Asked) -> Result<Arc<Peer>, Refusal> {
        let named = asked.request().header(SESSION_HEADER).and_then(|text| SessionId::parse(text).ok());
        self.own_session(asked, named).ok_or_else(|| self.no_such_session())
    }

    /// The session of this name, if it is the client's own.
    fn own_session(&self, asked: &Asked, named: Option<SessionId>) -> Option<Arc<Peer>> {
        let peer = self.core.hub.session(&named?)?;
        if !asked.owns(&peer) {
            self.core.counters.resumes_foreign.add(1);
            tracing::warn!(target: "tsugi", client = %peer.client(), "somebody else named this client's session");
            return None;
        }
        Some(peer)
    }

    fn no_such_session(&self) -> Refusal {
        self.core.counters.resumes_refused.add(1);
        Refusal::new(StatusCode::CONFLICT, "No such session: shake hands again")
    }

    /// Whom hello is from: the client's session if it still lives, else a new one.
    fn meet(&self, asked: &Asked, hello: &Hello) -> Result<Met, Refusal> {
        let named = hello.session.as_deref().and_then(|text| SessionId::parse(text).ok());
        let own = self.own_session(asked, named);
        self.check_overtaken(asked, hello, own.as_deref())?;
        let met = self.find_or_begin(asked, hello, named, own)?;
        let outbox = hello.outbox.map(|name| met.peer.bring_outbox(name, hello.sent));
        Ok(Met { outbox, ..met })
    }

    /// A hello that was long on its way must not take the session, or the outbox, from where a later one has brought it.
    fn check_overtaken(&self, asked: &Asked, hello: &Hello, own: Option<&Peer>) -> Result<(), Refusal> {
        let key = hello.outbox.map(|name| Key { user: asked.admitted.identity.user.clone(), name, kit: asked.kit });
        let outbox = key.and_then(|key| self.core.outboxes.find(&key));
        let is_newest = outbox.is_none_or(|outbox| outbox.note_hello(hello.attempt))
            && own.is_none_or(|peer| peer.is_newer(hello.attempt));
        if is_newest {
            Ok(())
        } else {
            Err(Refusal::new(StatusCode::CONFLICT, "A later hello has come: shake hands again"))
        }
    }

    fn find_or_begin(
        &self,
        asked: &Asked,
        hello: &Hello,
        named: Option<SessionId>,
        own: Option<Arc<Peer>>,
    ) -> Result<Met, Refusal> {
        let living = own.filter(|peer| !peer.is_closed());
        let lost = match (living, hello.received) {
            (Some(peer), None) => {
                return Ok(Met { peer, outcome: "resumed", received: None, lost: None, outbox: None });
            }
            (Some(peer), Some(received)) => match peer.owner().cell().look(|session| session.plan(received)) {
                Ok(_) => {
                    return Ok(Met { peer, outcome: "resumed", received: Some(received), lost: None, outbox: None });
                }
                Err(error) => {
                    tracing::warn!(target: "tsugi", client = %peer.client(), %error, "the client counts differently");
                    peer.close(Close::because(CloseCode::POLICY, "the client counts differently"));
                    Some("desync")
                }
            },
            (None, _) => named.map(|id| if id.epoch() == self.core.epoch { "expired" } else { "restarted" }),
        };
        if hello.session.is_some() {
            self.core.counters.resumes_refused.add(1);
        }
        let peer = self.core.begin(Protocol::Tsugi, asked.kit, asked.who(&self.core)?)?;
        let lost = hello.received.and_then(|received| Some((received + 1, lost?)));
        Ok(Met { peer, outcome: "new", received: hello.received.map(|_| 0), lost, outbox: None })
    }

    /// The answer to hello.
    fn welcome(&self, asked: &Asked, met: &Met, resumed: Option<&Resumed>) -> Result<Message, Refusal> {
        let mut what = vec![
            (keyword("session"), Value::String(met.peer.session().to_text().into())),
            (keyword("outcome"), keyword(met.outcome)),
        ];
        what.extend(resumed.map(|resumed| (keyword("next"), count(resumed.next))));
        what.extend(met.lost.map(|(_, why)| (keyword("why"), keyword(why))));
        if let Some(counts) = met.outbox {
            what.extend([(keyword("taken"), count(counts.taken)), (keyword("handled"), count(counts.handled))]);
        }
        let payload = Value::Vector(vec![keyword("chsk/welcome"), Value::Map(what)]);
        self.kit(asked).codec.encode(&payload, &Value::Nil).map_err(|error| unwritable(&error))
    }

    /// The answer to a body that cannot be read, counted like a message that cannot.
    fn undecodable(&self, error: &DecodeError) -> Refusal {
        self.core.counters.undecodable.add(1);
        match error {
            DecodeError::Size(_) => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("The message {error}")),
            _ => bad(format!("Undecodable message: {error}")),
        }
    }

    fn check_size(&self, message: &Message) -> Result<(), Refusal> {
        if message.len() > self.core.config.limits.max_message {
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Message too large"));
        }
        Ok(())
    }

    fn respond(&self, asked: &Asked, message: &Message) -> Response<Body> {
        ok(self.kit(asked).codec.content_type(), message.as_bytes().clone())
    }
}

/// A poll that has the session, and what its answer begins with.
type PollBegun = (Hold, Vec<Message>);

/// A client that was met with hello.
struct Met {
    peer: Arc<Peer>,
    outcome: &'static str,
    /// How many items of this session it has; `None` if it does not count.
    received: Option<u64>,
    /// The session of before is gone: the first item of it that the client has not, and why.
    lost: Option<(u64, &'static str)>,
    /// How far the server is with its outbox.
    outbox: Option<Counts>,
}

impl Met {
    /// Tells the application what the client will not get.
    fn tell(&self, resumed: Option<&Resumed>) {
        let lost = self.lost.map(|(from, why)| gap(from, None, why));
        if let Some(gap) = resumed.and_then(overflow).or(lost) {
            self.peer.tell_gap(gap);
        }
    }
}

/// What a session that lives no longer has for its client.
fn overflow(resumed: &Resumed) -> Option<Value> {
    resumed.gap.as_ref().map(|missing| gap(missing.from, Some(missing.to), "overflow"))
}

/// Makes a carrier the session's own, until the returned hold is dropped.
fn attach(peer: &Arc<Peer>, transport: Transport, greeting: Option<Frame>) -> Hold {
    let owner: Arc<dyn Owner> = peer.owner();
    let profile = peer.kit().profile(peer.protocol, transport);
    let carrier = with(&owner, |session, now| session.attach(now, profile, greeting));
    Hold { owner, carrier }
}

fn text(body: Bytes) -> Result<Message, Refusal> {
    Utf8Bytes::new(body).map(Message::Text).map_err(|_| bad("The body is not UTF-8"))
}

/// Decides over a WebSocket's hello. Until then a poll stays attached, so that a proxy which lets the upgrade through
/// and then stays mute swallows nothing.
struct TsugiGreeter {
    chsk: Chsk,
    asked: Asked,
}

impl Greeter for TsugiGreeter {
    fn greet(&self, first: Message) -> Result<(Arc<dyn Owner>, CarrierId), Close> {
        let kit = self.chsk.kit(&self.asked);
        let received = kit.codec.decode_event(first);
        let hello = received.ok().and_then(|received| Hello::read(kit, &received));
        let hello = hello.ok_or(Close::because(CloseCode::NO_HELLO, "hello must come first"))?;
        if let Csrf::InHello(right) = &self.asked.admitted.csrf
            && !hello.csrf.as_deref().is_some_and(|given| same_token(given, right))
        {
            tracing::info!(target: "tsugi", "hello without the right CSRF token refused");
            return Err(Close::because(CloseCode::POLICY, "Bad CSRF token"));
        }
        let busy = |refusal: Refusal| {
            tracing::info!(target: "tsugi", why = refusal.text(), "hello refused");
            match refusal.status() {
                StatusCode::CONFLICT => Close::because(CloseCode::NO_HELLO, "a later hello has come"),
                _ => Close::because(CloseCode::TRY_AGAIN, "too many sessions"),
            }
        };
        let met = self.chsk.meet(&self.asked, &hello).map_err(busy)?;
        met.peer.greeted(Transport::WebSocket, hello.attempt);
        let owner: Arc<dyn Owner> = met.peer.owner();
        let profile = kit.profile(Protocol::Tsugi, Transport::WebSocket);
        let greeting = |resumed: Option<&Resumed>| {
            self.chsk.welcome(&self.asked, &met, resumed).ok().map(|text| Frame::message(&text))
        };
        let carrier = match met.received {
            None => with(&owner, |session, now| session.attach(now, profile, greeting(None))),
            Some(received) => {
                let resumed = with(&owner, |session, now| {
                    session.resume(now, profile, received, |resumed| greeting(Some(resumed)))
                });
                let counted = Close::because(CloseCode::NO_HELLO, "counted differently");
                let (carrier, resumed) = resumed.map_err(|_| counted)?;
                met.tell(Some(&resumed));
                carrier
            }
        };
        met.peer.send_kept_replies();
        Ok((owner, carrier))
    }
}
