//! One connection that sends events.

use super::schedule::{Limits, Turns};
use super::tally::Tally;
use crate::line::{Said, Wants};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde::de::IgnoredAny;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tsugi_client::{Client, RequestError, State, Unanswered};

/// What became of a message.
struct Done {
    due: Instant,
    sent: Instant,
    result: Result<(), RequestError>,
}

pub(super) struct Worker {
    client: Client,
    state: watch::Receiver<State>,
    open: bool,
    said: Said,
    limits: Limits,
    tally: Arc<Tally>,
    under_way: FuturesUnordered<BoxFuture<'static, Done>>,
}

impl Worker {
    pub(super) fn new(client: Client, said: Said, limits: Limits, tally: Arc<Tally>) -> Self {
        let mut state = client.state();
        let open = matches!(*state.borrow_and_update(), State::Open(_));
        Self { client, state, open, said, limits, tally, under_way: FuturesUnordered::new() }
    }

    /// Until everything of its turns was answered or is not waited for any more.
    pub(super) async fn run(mut self, mut turns: Turns, stop: CancellationToken) {
        let patience = tokio::time::Instant::from_std(turns.end() + self.limits.timeout);
        loop {
            self.send_due(&mut turns);
            if turns.due().is_none() && self.under_way.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(done) = self.under_way.next() => self.done(&done),
                Ok(()) = self.state.changed() => self.state_changed(),
                () = turns.bell.notified() => {}
                () = tokio::time::sleep_until(patience) => break,
            }
        }
        // What is not waited for any more, and what had no room.
        let why = if stop.is_cancelled() { "interrupted" } else { "timeout" };
        self.under_way.iter().for_each(|_| self.tally.failed(why));
        if !self.has_room() {
            self.tally.unsent(turns.left(Instant::now()));
        }
    }

    fn has_room(&self) -> bool {
        self.under_way.len() < self.limits.in_flight
    }

    fn send_due(&mut self, turns: &mut Turns) {
        while self.has_room()
            && let Some(due) = turns.take(Instant::now())
        {
            self.send(due);
        }
    }

    fn send(&mut self, due: Instant) {
        let (client, said, timeout) = (self.client.clone(), self.said.clone(), self.limits.timeout);
        let sent = Instant::now();
        self.tally.sent();
        let mut answer = Box::pin(async move {
            let result = match said.wants {
                Wants::Reply => client.request_event::<IgnoredAny>(&said.event, timeout).await.map(drop),
                Wants::Nothing => match client.send_event(&said.event, timeout) {
                    Ok(delivery) => delivery.settled().await.map_err(RequestError::from),
                    Err(error) => Err(error.into()),
                },
            };
            Done { due, sent, result }
        });
        // Sent now, and not when the others were looked at.
        match answer.as_mut().now_or_never() {
            Some(done) => self.done(&done),
            None => self.under_way.push(answer),
        }
    }

    fn done(&self, Done { due, sent, result }: &Done) {
        match result {
            Ok(()) => self.tally.answered(*due, *sent),
            Err(RequestError::Unanswered(Unanswered::Failed(failure))) => self.tally.failed(&failure.code),
            Err(RequestError::Unanswered(Unanswered::Timeout)) => self.tally.failed("timeout"),
            Err(error) => self.tally.failed(&error.to_string()),
        }
    }

    fn state_changed(&mut self) {
        let open = matches!(*self.state.borrow_and_update(), State::Open(_));
        if self.open && !open {
            self.tally.lost();
        }
        self.open = open;
    }
}
