//! Who comes with which session and which outbox, and what it is owed.

use super::items::all_until;
use super::{Plant, Served, ServerEnd, Socket, count, natural};
use crate::link::Flight;
use std::sync::Arc;
use tsugi_proto::packet::Received;
use tsugi_proto::session::{Item, Transport, Upstream};
use tsugi_proto::{Close, CloseCode, Frame, Instant, Message, Session, Value};

impl ServerEnd {
    pub(super) fn greeted(&mut self, now: Instant, index: usize, message: &Message) {
        let path = self.sockets[index].0;
        let received = self.codec.decode_event(message.clone()).ok();
        match received.and_then(|received| self.hello(now, path.0, &received, Transport::WebSocket)) {
            Some((session, received, welcome)) => {
                let Some(served) = self.sessions.get_mut(&session) else { return };
                let profile = Arc::clone(&self.websocket);
                let resumed = served.session.resume(now, profile, received, |_| Some(Frame::message(&welcome)));
                let (carrier, _) = resumed.expect("hello was checked");
                self.sockets[index].1 = Socket::Carries(session, carrier);
                self.send_kept(now, session);
            }
            None => {
                self.sockets.remove(index);
                let close = Close::because(CloseCode::NO_HELLO, "hello must come first");
                self.out.push((path.0, Flight::Ended(path.1, Some(close))));
            }
        }
    }

    /// The session that goes on or begins, how much of it the client has, and the word for it. `None` when it is no hello.
    pub(super) fn hello(
        &mut self,
        now: Instant,
        client: usize,
        received: &Received,
        transport: Transport,
    ) -> Option<(u64, u64, Message)> {
        let Received::Event { id, data, .. } = received else { return None };
        if id.as_str() != "chsk/hello" {
            return None;
        }
        let data: Value = tsugi_proto::codec::deserialize(self.codec.as_ref(), data.as_ref()).ok()?;
        let named = data.get("session").and_then(Value::as_text).and_then(|text| text.parse().ok());
        let living = named.filter(|named| self.sessions.get(named).is_some_and(|it| !it.session.is_closing()));
        let received = data.get("received").map_or(0, natural);
        let outbox = data.get("outbox").and_then(Value::as_text).map(str::to_owned);
        let attempt = data.get("attempt").map_or(0, natural);
        let newest = outbox.as_ref().and_then(|name| self.attempts.get(name)).copied().unwrap_or(0);
        let newest = newest.max(living.map_or(0, |id| self.sessions[&id].attempt));
        if attempt <= newest {
            return None;
        }
        self.attempts.extend(outbox.iter().map(|name| (name.clone(), attempt)));
        let (session, received, outcome) = match living {
            Some(session) => (session, received, "resumed"),
            None => (self.begin(now, client, transport), 0, "new"),
        };
        let (taken, handled) = outbox.map(|name| self.bring_outbox(name, session)).unwrap_or_default();
        let served = self.sessions.get_mut(&session)?;
        served.transport = transport;
        served.attempt = attempt;
        let Ok(mut resumed) = served.session.plan(received) else {
            self.complaints.push(format!("{received} items received, and fewer were sent"));
            return None;
        };
        let (mut taken, handled) = (taken, handled);
        match self.plant {
            Some(Plant::OvercountsTaken) => taken += 1,
            Some(Plant::SkipsInSilence) => {
                let _ = served.session.acknowledge(served.session.numbered());
            }
            Some(Plant::ForgetsWhatItSent) => {
                let _ = served.session.acknowledge(served.session.numbered());
                resumed.next = served.session.numbered() + 1;
            }
            Some(Plant::CountsAnew) => resumed.next = served.session.numbered() + 1,
            _ => {}
        }
        let what = vec![
            (Value::keyword("session"), Value::string(&session.to_string())),
            (Value::keyword("outcome"), Value::keyword(outcome)),
            (Value::keyword("next"), count(resumed.next)),
            (Value::keyword("taken"), count(taken)),
            (Value::keyword("handled"), count(handled)),
        ];
        Some((session, received, self.packet("chsk/welcome", Value::Map(what))?))
    }

    /// How much of the outbox was taken, and how much of that handled. An outbox has one session at a time.
    fn bring_outbox(&mut self, name: String, session: u64) -> (u64, u64) {
        let (upstream, carrier) = self.outboxes.entry(name.clone()).or_insert_with(|| (Upstream::default(), session));
        let before = std::mem::replace(carrier, session);
        let counts = (upstream.taken(), upstream.handled());
        if before != session
            && let Some(before) = self.sessions.get_mut(&before)
        {
            before.session.abort(Close::because(CloseCode::TAKEN_OVER, "its outbox has another session"));
        }
        if let Some(served) = self.sessions.get_mut(&session) {
            served.outbox = Some(name);
        }
        counts
    }

    /// Replies that sessions of before could not deliver.
    pub(super) fn send_kept(&mut self, now: Instant, session: u64) {
        // First, what the session of before has still to hand back.
        let flights = self.drain(now);
        self.out.extend(flights);
        let Some(served) = self.sessions.get_mut(&session) else { return };
        let Some((upstream, _)) = served.outbox.as_ref().and_then(|name| self.outboxes.get_mut(name)) else { return };
        while let Some((number, reply)) = upstream.take_reply() {
            if served.session.send(now, Item::Reply(number, reply.clone())).is_err() {
                return upstream.keep(number, reply);
            }
        }
        self.say_all_sent(now, session);
    }

    /// Says that the client has every reply there is, after what may have cost it some.
    pub(super) fn say_all_sent(&mut self, now: Instant, session: u64) {
        let Some(served) = self.sessions.get_mut(&session) else { return };
        let Some((upstream, _)) = served.outbox.as_ref().and_then(|name| self.outboxes.get_mut(name)) else { return };
        let handled = upstream.handled() + u64::from(self.plant == Some(Plant::EndsReplies));
        let says = handled > 0 && self.plant != Some(Plant::HidesLostReplies);
        if let Some(item) = all_until(&self.codec, handled).filter(|_| says) {
            // One that is full or closed says so among the news.
            let _ = served.session.send(now, item);
        }
    }

    fn begin(&mut self, now: Instant, client: usize, transport: Transport) -> u64 {
        self.next += 1;
        let mut session = Session::new(now, Arc::clone(&self.config));
        session.keep();
        self.sessions.insert(self.next, Served { client, session, transport, outbox: None, attempt: 0 });
        self.next
    }
}
