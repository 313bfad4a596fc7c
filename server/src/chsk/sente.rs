//! Plain Sente, of every version that is spoken (sente.md sections 1, 9–11 and 18).

use super::{Asked, Chsk, attach, bad, unwritable};
use crate::carrier::poll::{End, hold};
use crate::carrier::ws::Opening;
use crate::config::Wire;
use crate::error::Refusal;
use crate::identity::ConnectRequest;
use crate::kit::{Kit, Protocol};
use crate::peer::{Peer, id_of};
use crate::reply::{Gone, Responder};
use crate::service::body::Body;
use bytes::Bytes;
use http::Response;
use std::sync::Arc;
use tokio::sync::oneshot;
use tsugi_proto::codec::Older;
use tsugi_proto::packet::Received;
use tsugi_proto::session::Transport;
use tsugi_proto::{Frame, Message, Value};

impl Chsk {
    /// The session is registered first, and then the handshake goes out (sente.md 9.2). Until the client says something,
    /// this path's version is all there is to go by: the requests of 1.14 to 1.22 are alike.
    pub(super) fn open_sente(&self, asked: &Asked) -> Result<Opening, Refusal> {
        let greeting = Frame::message(&self.handshake(asked)?);
        let peer = self.begin_sente(asked)?;
        Ok(Opening::Attached(attach(&peer, Transport::WebSocket, Some(greeting))))
    }

    pub(super) async fn poll_sente(&self, mut asked: Asked) -> Result<Response<Body>, Refusal> {
        let peer = self.sente_peer(&asked)?;
        let Some(peer) = peer.filter(|_| asked.request().param("handshake?").is_none()) else {
            let version = version_of_poll(asked.request());
            self.turn_to(&mut asked, version);
            // Begun now, so that the next poll is held; online only once it is (sente.md 10.1).
            self.begin_sente(&asked)?;
            return Ok(self.respond(&asked, &self.handshake(&asked)?));
        };
        asked.kit = peer.kit_index();
        let brought = hold(attach(&peer, Transport::Poll, None)).await;
        let kit = self.kit(&asked);
        let message = match (brought.frames.into_iter().next().and_then(|frame| frame.to_message()), brought.end) {
            (Some(message), _) => message,
            (None, End::Closed(_)) => kit.uneventful.clone(),
            (None, End::Fenced | End::Full) => kit.nothing.clone(),
        };
        Ok(self.respond(&asked, &message))
    }

    pub(super) async fn post_sente(&self, mut asked: Asked, body: Bytes) -> Result<Response<Body>, Refusal> {
        let message = sente_message(asked.request(), body)?;
        self.check_size(&message)?;
        if let Some(peer) = self.sente_peer(&asked)? {
            asked.kit = peer.kit_index();
        }
        self.turn_to(&mut asked, Older::is_v1(&message).then_some(Wire::SenteV1));
        let kit = self.kit(&asked);
        let received = kit.codec.decode_event(message).map_err(|error| self.undecodable(&error))?;
        if received.slot().is_nil() || *received.slot() == Value::Boolean(false) {
            self.take_sente(&asked, received, None).await?;
            return Ok(self.respond(&asked, &kit.accepted));
        }
        let (sender, receiver) = oneshot::channel();
        let answer = Box::new(move |reply| sender.send(reply).map_err(|_| Gone));
        let responder = Responder::new(id_of(&received), answer);
        self.take_sente(&asked, received, Some(responder)).await?;
        // As in Sente, nothing waits longer for a reply over Ajax than a poll is held (sente.md 11.3).
        // A handler that gave the answer up looks the same to the client as one that takes too long.
        let answered = async {
            match receiver.await {
                Ok(reply) => reply,
                Err(_) => std::future::pending().await,
            }
        };
        let message = match tokio::time::timeout(self.core.config.times.poll_timeout, answered).await {
            Ok(reply) => {
                let payload = reply.unwrap_or_else(|failure| failure.to_value());
                kit.codec.encode(&payload, &Value::Nil).map_err(|error| unwritable(&error))?
            }
            Err(_) => kit.timeout.clone(),
        };
        Ok(self.respond(&asked, &message))
    }

    fn sente_peer(&self, asked: &Asked) -> Result<Option<Arc<Peer>>, Refusal> {
        let who = asked.who(&self.core)?;
        Ok(self.core.hub.sente(&(who.user, who.client)))
    }

    /// The client's session, which from now on speaks as was asked.
    fn begin_sente(&self, asked: &Asked) -> Result<Arc<Peer>, Refusal> {
        match self.sente_peer(asked)? {
            Some(peer) => {
                peer.speak(asked.kit);
                Ok(peer)
            }
            None => self.core.begin(Protocol::Sente, asked.kit, asked.who(&self.core)?),
        }
    }

    /// What a request itself shows of its version counts more than the path it came to.
    fn turn_to(&self, asked: &mut Asked, wire: Option<Wire>) {
        if let Some(kit) = wire.and_then(|wire| Kit::of_sente(&self.core.kits, wire)) {
            asked.kit = kit;
        }
    }

    /// Hands a POST's event to the client's session, or to a passing one: a POST needs no handshake (sente.md 11.1).
    async fn take_sente(&self, asked: &Asked, received: Received, responder: Option<Responder>) -> Result<(), Refusal> {
        let peer = match self.sente_peer(asked)? {
            Some(peer) => {
                peer.speak(asked.kit);
                peer
            }
            None => self.core.passing(Protocol::Sente, asked.kit, asked.who(&self.core)?)?,
        };
        let taken = peer.post(vec![(received, responder)]).await;
        taken.map_err(|_| self.core.guard.busy("Too many events wait already"))
    }
}

/// What a poll that wants a handshake says of its client (sente.md 1.5): up to 1.8 the parameter against caches is `_`. That
/// those of 1.21 and later write `handshake?=1` helps nobody here: no path is for newer clients than it is by default.
fn version_of_poll(request: &ConnectRequest) -> Option<Wire> {
    request.param("_").map(|_| Wire::SenteV1)
}

/// A Sente client's POST: packed text in a form, or a packed body (sente.md 2.2).
fn sente_message(request: &ConnectRequest, body: Bytes) -> Result<Message, Refusal> {
    if request.param("binary?").is_some() {
        return Ok(Message::Binary(body));
    }
    let packed = request.param("ppstr").ok_or_else(|| bad("The parameter ppstr is missing"))?;
    Ok(Message::text(packed))
}
