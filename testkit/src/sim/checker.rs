//! What must hold, whatever happens.

use super::{EXPIRE, Sim};
use tsugi_proto::connection::{ItemId, Outcome, RequestError, State, Wants};
use tsugi_proto::{Event, Value};

impl Sim {
    pub(super) fn changed(&mut self, index: usize, state: &State) {
        self.log(index, &format!("is {}", name(state)));
        let now = self.now;
        let client = &mut self.clients[index];
        match state {
            State::Open(open) => {
                client.gap_is_fair |= now.since(client.open_at) >= EXPIRE;
                client.told_of_gap |= open.outcome == Outcome::New;
                client.open_at = now;
            }
            State::Waiting { .. } => client.open_at = now,
            State::Closed(loss) => {
                let what = format!("was closed for good: {loss:?}");
                self.wrong(index, &what);
            }
            State::Idle | State::Connecting { .. } => {}
        }
    }

    pub(super) fn told(&mut self, index: usize, event: &Event) {
        let Some(Value::Integer(number)) = event.data else { return };
        self.log(index, &format!("gets {number}"));
        let client = &mut self.clients[index];
        let last = client.got.last().copied().unwrap_or(0);
        let missing = client.pushed.iter().any(|pushed| last < *pushed && *pushed < number);
        let excused = std::mem::take(&mut client.told_of_gap);
        client.got.push(number);
        if number <= last {
            self.wrong(index, &format!("got {number} after {last}"));
        } else if missing && !excused {
            self.wrong(index, &format!("got {number} after {last}, and was told of no gap"));
        }
    }

    pub(super) fn settled(&mut self, index: usize, item: ItemId, result: Result<Value, RequestError>) {
        self.log(index, &format!("item {} ends: {result:?}", item.number()));
        let handled = self.server.handled.iter().any(|it| it.client == index && it.item == item.number());
        let now = self.now;
        let Some(sent) = self.clients[index].sent.get_mut(&item) else {
            return self.wrong(index, &format!("item {} ended and was never sent", item.number()));
        };
        if sent.done.replace((now, result.clone())).is_some() {
            return self.wrong(index, &format!("item {} ended twice", item.number()));
        }
        let wanted = if sent.wants == Wants::Reply { Value::Integer(sent.data) } else { Value::Nil };
        let (deadline, ended_before) = (sent.deadline, sent.ended_before);
        match result {
            Ok(_) if !handled => {
                self.wrong(index, &format!("item {} was said to be handled, and was not", item.number()))
            }
            Ok(value) if value != wanted => self.wrong(index, &format!("item {} got {value:?}", item.number())),
            Ok(_) => {}
            Err(RequestError::Timeout) if now >= deadline => {}
            // A reply may be one too many for a short queue.
            Err(RequestError::ReplyLost) if handled && (ended_before || self.short_queue) => {}
            Err(error) => self.wrong(index, &format!("item {} failed: {error}", item.number())),
        }
    }

    pub(super) fn check_end(&mut self) {
        for index in 0..self.clients.len() {
            let client = &self.clients[index];
            let open = matches!(client.connection.state(), State::Open(_));
            let unsettled = client.sent.iter().filter(|(_, sent)| sent.done.is_none());
            let stuck: Vec<_> = unsettled.map(|(item, _)| item.number()).collect();
            let last = (client.pushed.last().copied(), client.got.last().copied());
            if !open {
                self.wrong(index, "is not connected in the end");
            }
            if !stuck.is_empty() {
                self.wrong(index, &format!("items {stuck:?} never ended"));
            }
            if last.0 != last.1 {
                self.wrong(index, &format!("got {:?} last, and {:?} was pushed last", last.1, last.0));
            }
            self.check_handled(index);
        }
    }

    /// In each of the server's lives, each item once and in order.
    fn check_handled(&mut self, index: usize) {
        let handled: Vec<_> = self.server.handled.iter().filter(|it| it.client == index).cloned().collect();
        for pair in handled.windows(2).filter(|pair| pair[0].life == pair[1].life) {
            if pair[1].item <= pair[0].item {
                self.wrong(index, &format!("item {} was handled after {}", pair[1].item, pair[0].item));
            }
        }
        for it in handled {
            let sent = ItemId::from_number(it.item).and_then(|item| self.clients[index].sent.get(&item));
            let right = sent.is_some_and(|sent| it.data == Value::Integer(sent.data) && sent.life <= it.life);
            if !right {
                self.wrong(index, &format!("item {} was handled as {:?}", it.item, it.data));
            }
        }
    }
}

fn name(state: &State) -> String {
    match state {
        State::Idle => "idle".to_owned(),
        State::Connecting { transport, .. } => format!("connecting by {transport:?}"),
        State::Open(open) => format!("open by {:?}, {:?}", open.transport, open.outcome),
        State::Waiting { loss, .. } => format!("waiting: {:?} {:?}", loss.reason, loss.code),
        State::Closed(loss) => format!("closed: {:?}", loss.reason),
    }
}
