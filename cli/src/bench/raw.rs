//! One plain WebSocket of a server that answers each message with one.

use super::schedule::{Limits, Turns};
use super::tally::Tally;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;
use tsugi_client::{Close, CloseCode, Message, WebSocket};

pub(super) struct Worker {
    socket: WebSocket,
    message: Message,
    limits: Limits,
    tally: Arc<Tally>,
    /// When what is not answered yet was due and sent.
    under_way: VecDeque<(Instant, Instant)>,
}

impl Worker {
    pub(super) fn new(socket: WebSocket, message: Message, limits: Limits, tally: Arc<Tally>) -> Self {
        Self { socket, message, limits, tally, under_way: VecDeque::new() }
    }

    /// Until everything of its turns was answered or is not waited for any more. A message without an answer is the end: which answer
    /// would be whose?
    pub(super) async fn run(mut self, mut turns: Turns, stop: CancellationToken) {
        let patience = turns.end() + self.limits.timeout;
        let why = loop {
            self.send_due(&mut turns);
            if turns.due().is_none() && self.under_way.is_empty() {
                break String::new();
            }
            let oldest = self.under_way.front().map(|(_, sent)| *sent + self.limits.timeout);
            let until = tokio::time::Instant::from_std(oldest.unwrap_or(patience).min(patience));
            tokio::select! {
                biased;
                () = stop.cancelled() => break "interrupted".to_owned(),
                came = self.socket.next() => match came {
                    Ok(_) => match self.under_way.pop_front() {
                        Some((due, sent)) => self.tally.answered(due, sent),
                        None => self.tally.failed("an answer to nothing"),
                    },
                    Err(end) => {
                        self.tally.lost();
                        break end.to_string();
                    }
                },
                () = turns.bell.notified() => {}
                () = tokio::time::sleep_until(until) => break "timeout".to_owned(),
            }
        };
        self.under_way.iter().for_each(|_| self.tally.failed(&why));
        if !stop.is_cancelled() {
            // There is no connection for those to come.
            self.tally.unsent(turns.left(turns.end()));
        } else if !self.has_room() {
            self.tally.unsent(turns.left(Instant::now()));
        }
        self.socket.close(&Close::because(CloseCode::NORMAL, "")).await;
    }

    fn send_due(&mut self, turns: &mut Turns) {
        while self.has_room()
            && let Some(due) = turns.take(Instant::now())
        {
            // There was room for it.
            let _ = self.socket.send(self.message.clone());
            self.tally.sent();
            self.under_way.push_back((due, Instant::now()));
        }
    }
    fn has_room(&self) -> bool {
        self.under_way.len() < self.limits.in_flight && self.socket.has_room()
    }
}
