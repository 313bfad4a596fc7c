//! Polls and POSTs.

use super::{Held, ServerEnd, count};
use bytes::Bytes;
use std::sync::Arc;
use tsugi_proto::codec::Form;
use tsugi_proto::connection::{ExchangeId, Method, Request};
use tsugi_proto::packet::Received;
use tsugi_proto::session::Transport;
use tsugi_proto::{Instant, Message, Utf8Bytes, Value};

impl ServerEnd {
    pub(super) fn asked(&mut self, now: Instant, exchange: (usize, ExchangeId), request: &Request) {
        let header = request.headers.iter().find(|(name, _)| *name == "Tsugi-Session").map(|(_, value)| value);
        let session = header.and_then(|text| text.parse().ok()).filter(|id| self.sessions.contains_key(id));
        let shakes_hands = header.is_none() || request.query.iter().any(|(name, _)| name == "handshake?");
        match (request.method, session) {
            (Method::Get, _) if shakes_hands => {
                let handshake = self.handshake();
                self.answer(exchange, 200, &handshake);
            }
            (Method::Get, Some(session)) => {
                let ack = request.query.iter().find(|(name, _)| name == "ack").map(|(_, value)| value);
                let received = ack.and_then(|text| text.parse().ok()).expect("every poll says what arrived");
                self.poll(now, exchange, session, received);
            }
            (Method::Post, session) => self.posted(now, exchange, &request.body, session),
            (Method::Get, None) => self.answer(exchange, 409, &Message::text("")),
        }
    }

    fn poll(&mut self, now: Instant, exchange: (usize, ExchangeId), session: u64, received: u64) {
        let Some(served) = self.sessions.get_mut(&session) else { return };
        if served.transport != Transport::Poll {
            let nothing = self.codec.join(&[]);
            return self.answer(exchange, 200, &nothing);
        }
        let Ok((carrier, resumed)) = served.session.resume(now, Arc::clone(&self.poll), received, |_| None) else {
            return self.answer(exchange, 409, &Message::text(""));
        };
        let head = self.packet("chsk/from", count(resumed.next)).into_iter().collect();
        self.held.push((exchange, Held { session, carrier, head, frames: Vec::new() }));
        if resumed.gap.is_some() {
            self.say_all_sent(now, session);
        }
    }

    fn posted(&mut self, now: Instant, exchange: (usize, ExchangeId), body: &Bytes, session: Option<u64>) {
        let message = match self.codec.form() {
            Form::Binary => Some(Message::Binary(body.clone())),
            Form::Text => Utf8Bytes::new(body.clone()).map(Message::Text).ok(),
        };
        let decoded = message.and_then(|message| self.codec.decode_events(&message).ok());
        let Some(received) = decoded else { return self.answer(exchange, 400, &Message::text("")) };
        let hello = received.first().and_then(|first| self.hello(now, exchange.0, first, Transport::Poll));
        if let Some((session, _, welcome)) = hello {
            self.send_kept(now, session);
            return self.answer(exchange, 200, &welcome);
        }
        if matches!(received.first(), Some(Received::Event { id, .. }) if id.as_str() == "chsk/hello") {
            // A later one has come.
            return self.answer(exchange, 409, &Message::text(""));
        }
        let Some(session) = session else { return self.answer(exchange, 409, &Message::text("")) };
        received.into_iter().for_each(|received| self.received(now, session, received));
        let taken = self.codec.encode(&Value::keyword("chsk/dummy-cb-200"), &Value::Nil);
        let taken = taken.unwrap_or(self.codec.join(&[]));
        self.answer(exchange, 200, &taken);
    }
}
