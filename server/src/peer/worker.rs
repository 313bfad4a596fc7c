//! What came in, one after another, to the router.
//!
//! All of it in one future, which owns the call whose handler it waits for: with a future for each step, a call would be copied from one
//! to the next.

use super::mailbox::Numbered;
use super::{Job, Peer};
use crate::config::Wire;
use crate::event;
use crate::handler::{Call, Concurrency, Payload};
use crate::kit::{Kit, Protocol};
use crate::outbox::{Outbox, Take, Taken};
use crate::reply::{Asked, Failure};
use crate::session::{receive_all, with};
use std::collections::VecDeque;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Semaphore;
use tsugi_proto::codec::{DecodeError, Older};
use tsugi_proto::packet::Received;
use tsugi_proto::{Close, CloseCode, Encoded, EventId, Message, Session, Value};

/// What came first.
enum Next {
    /// For a handler.
    Call(Call),
    /// An item of an outbox, whose turn must be waited for, and whether it wants a reply.
    Item(Arc<Outbox>, u64, bool, Received),
    /// It was seen to.
    Done,
    /// Nothing waits.
    Nothing,
}

impl From<Option<Call>> for Next {
    fn from(call: Option<Call>) -> Self {
        call.map_or(Self::Done, Self::Call)
    }
}

impl Peer {
    /// Ends when nothing waits any more.
    pub(super) async fn work(self: Arc<Self>) {
        let mut messages = VecDeque::new();
        loop {
            let (outbox, _turn);
            let mut call = match self.next(&mut messages) {
                Next::Call(call) => call,
                Next::Item(whose, number, wants_reply, received) => {
                    outbox = whose;
                    _turn = self.noting(messages.len(), pin!(outbox.turn())).await;
                    match self.take(&outbox, number, wants_reply, received) {
                        Some(call) => call,
                        None => continue,
                    }
                }
                Next::Done => continue,
                Next::Nothing if !self.rest() => continue,
                // Told not before the rest: what ends from now on finds no worker, and is told by itself.
                Next::Nothing => return self.tell_handled(),
            };
            // Awaited, so that a client's events are handled one by one; a route may ask for more at a time.
            let found = self.core.router.find(&call);
            match found.concurrency() {
                Concurrency::InOrder => {
                    let reply = self.noting(messages.len(), pin!(found.handle(&mut call))).await;
                    call.answer(reply);
                }
                Concurrency::AtMost(most) => self.noting(messages.len(), pin!(self.run_beside(call, most))).await,
            }
        }
    }

    /// Awaits, and where that takes time, first notes in the session how many messages are left of those that were taken: what is
    /// handled must not keep others from being read.
    async fn noting<T>(self: &Arc<Self>, left: usize, mut future: Pin<&mut impl Future<Output = T>>) -> T {
        let mut is_noted = false;
        std::future::poll_fn(|context| {
            let polled = future.as_mut().poll(context);
            if polled.is_pending() && !std::mem::replace(&mut is_noted, true) {
                with(&self.owner(), |session, _| session.still_taken(left));
            }
            polled
        })
        .await
    }

    /// Starts the handler of a route that allows several at once, when there is room for it.
    async fn run_beside(self: &Arc<Self>, call: Call, most: NonZeroUsize) {
        let semaphore = {
            let mut work = self.work.lock();
            let running = work.running_of.get_or_insert_default().0.entry(call.id.clone());
            Arc::clone(running.or_insert_with(|| Arc::new(Semaphore::new(most.get()))))
        };
        let Ok(permit) = semaphore.acquire_owned().await else { return };
        let peer = Arc::clone(self);
        // Ends with its handler. The permit bounds how many there are.
        self.core.tasks.spawn(async move {
            peer.core.router.call(call).await;
            drop(permit);
        });
    }

    /// What is not in the session, such as a POST, goes before what is, and waits for the messages that were taken.
    fn next(self: &Arc<Self>, messages: &mut VecDeque<Message>) -> Next {
        if let Some(message) = messages.pop_front() {
            return self.read(message);
        }
        match self.next_job() {
            Some(Job::Posted(received, None)) => return self.dispatch(received),
            Some(Job::Posted(received, Some(responder))) => {
                return self.call(received, |_| Asked::By(Box::new(responder)), None).into();
            }
            Some(Job::News(id, data)) => return self.make(id, data, Asked::Not, None).into(),
            None => {}
        }
        *messages = receive_all(&self.cell, || self.owner());
        messages.pop_front().map_or(Next::Nothing, |message| self.read(message))
    }

    fn next_job(&self) -> Option<Job> {
        let mut work = self.work.lock();
        let job = work.jobs.pop_front()?;
        if work.jobs.is_empty() {
            work.jobs = VecDeque::new();
        }
        if work.jobs.len() + 1 == self.core.config.limits.max_inbox {
            self.core.room.notify_waiters();
        }
        Some(job)
    }

    /// Whether the worker may end. Looked at under the lock that starts workers, so that nothing is left lying.
    fn rest(&self) -> bool {
        let mut work = self.work.lock();
        let idle = work.jobs.is_empty() && !self.cell.look(Session::has_messages);
        work.running = !idle;
        idle
    }

    fn read(self: &Arc<Self>, message: Message) -> Next {
        if self.protocol == Protocol::Sente {
            self.hear_version(&message);
        }
        let kit = self.kit();
        let whole = (kit.wire != Wire::Current).then(|| message.clone());
        match kit.codec.decode_event(message) {
            Ok(received) if self.gated.load(Ordering::Acquire) => {
                self.pass_gate(&received);
                Next::Done
            }
            Ok(received) => self.dispatch(received),
            Err(error) => match whole {
                Some(message) => self.tell_bad_package(&message, &error).into(),
                None => {
                    self.refuse_message(&error);
                    Next::Done
                }
            },
        }
    }

    /// A client of Sente 1.0 to 1.17 is known by its first byte, wherever it came in (sente.md 1.6).
    fn hear_version(self: &Arc<Self>, message: &Message) {
        if Older::is_v1(message)
            && self.kit().wire != Wire::SenteV1
            && let Some(kit) = Kit::of_sente(&self.core.kits, Wire::SenteV1)
        {
            self.speak(kit);
        }
    }

    /// As Sente before 1.21 did: the application hears of it, and the connection goes on.
    fn tell_bad_package(self: &Arc<Self>, message: &Message, error: &DecodeError) -> Option<Call> {
        self.core.counters.undecodable.add(1);
        tracing::info!(target: "tsugi", client = %self.client(), %error, "undecodable message");
        let raw = String::from_utf8_lossy(message.as_bytes()).into_owned();
        self.make(event::BAD_PACKAGE, Value::String(raw.into()), Asked::Not, None)
    }

    /// What cannot be decoded ends the connection, not the session: what waits for the client still does.
    fn refuse_message(self: &Arc<Self>, error: &DecodeError) {
        self.core.counters.undecodable.add(1);
        tracing::info!(target: "tsugi", client = %self.client(), %error, "undecodable message: connection closed");
        let code = match error {
            DecodeError::Form { .. } => CloseCode::UNSUPPORTED,
            DecodeError::Size(_) => CloseCode::TOO_LARGE,
            _ => CloseCode::INVALID_DATA,
        };
        let reason: String = error.to_string().chars().take(30).collect();
        let close = Close::new(code, reason).unwrap_or(Close::because(code, "undecodable message"));
        with(&self.owner(), |session, now| session.drop_carrier(now, close));
    }

    fn dispatch(self: &Arc<Self>, received: Received) -> Next {
        match self.item_in(&received) {
            Numbered::No => self.call(received, Asked::in_slot, None).into(),
            Numbered::Late => Next::Done,
            Numbered::Item(outbox, number, wants_reply) => Next::Item(outbox, number, wants_reply, received),
        }
    }

    /// An item of the client's outbox, unless it came before.
    fn take(
        self: &Arc<Self>,
        outbox: &Arc<Outbox>,
        number: u64,
        wants_reply: bool,
        received: Received,
    ) -> Option<Call> {
        let taken = match outbox.take(number, wants_reply, self) {
            Take::New(taken) => taken,
            Take::Again => {
                self.core.counters.duplicates.add(1);
                return None;
            }
            // The client brings it again there.
            Take::Elsewhere => return None,
        };
        self.call(received, |slot| if wants_reply { Asked::InSlot(slot) } else { Asked::Not }, Some(taken))
    }

    fn call(
        self: &Arc<Self>,
        received: Received,
        asked: impl FnOnce(Value) -> Asked,
        item: Option<Arc<Taken>>,
    ) -> Option<Call> {
        match received {
            Received::Event { id, data, slot } => {
                let caller = Arc::<Self>::clone(self);
                let call = Call { caller, id, payload: Payload::Encoded(data), asked: asked(slot), item };
                if call.id.is_reserved() {
                    return self.reserved(call);
                }
                self.core.counters.received.add(1);
                Some(call)
            }
            Received::BadEvent { payload, slot } => self.make(event::BAD_EVENT, payload, asked(slot), item),
        }
    }

    /// An event of the server's own making, for whoever has a route for it.
    fn make(self: &Arc<Self>, id: &'static str, data: Value, asked: Asked, item: Option<Arc<Taken>>) -> Option<Call> {
        let id = EventId::of_static(id);
        if matches!(asked, Asked::Not) && !self.core.router.has(&id) {
            return None;
        }
        let caller = Arc::<Self>::clone(self);
        Some(Call { caller, id, payload: Payload::Made(data), asked, item })
    }

    /// Events in the protocol's own namespace. Only pings and pongs may come from a client (sente-features C7).
    fn reserved(self: &Arc<Self>, mut call: Call) -> Option<Call> {
        let Payload::Encoded(data) = &call.payload else { return None };
        if call.id.as_str() == "chsk/ack" && self.protocol == Protocol::Tsugi {
            self.acknowledged(data.as_ref());
            return None;
        }
        let known = data.is_none() && matches!(call.id.as_str(), event::PING | event::PONG);
        let news = if call.id.as_str() == event::PING { event::PING } else { event::PONG };
        let responder = call.take_responder();
        if !known {
            self.core.counters.reserved.add(1);
            tracing::info!(target: "tsugi", client = %self.client(), event = %call.id, "reserved event of a client refused");
            if let Some(responder) = responder {
                let text = "events in the namespace chsk belong to the protocol";
                let _ = responder.reply(Failure::new(Failure::RESERVED, text));
            }
            return None;
        }
        if let Some(responder) = responder {
            let _ = responder.reply(Value::String("pong".into()));
        }
        self.make(news, Value::Nil, Asked::Not, None)
    }

    /// The client has what was sent up to a number. One that claims more than was sent counts differently, and must come
    /// back to learn where it stands.
    fn acknowledged(self: &Arc<Self>, data: Option<&Encoded>) {
        let number = tsugi_proto::codec::deserialize::<u64>(self.kit().codec.as_ref(), data);
        with(&self.owner(), |session, now| {
            if number.is_ok_and(|number| session.acknowledge(number).is_ok()) {
                return;
            }
            session.drop_carrier(now, Close::because(CloseCode::NO_HELLO, "counted differently"));
        });
    }
}
