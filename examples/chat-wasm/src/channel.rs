//! Where the client and the framework meet: what the channel brings becomes messages to the chat's component.

use crate::chat::{Chat, Msg};
use crate::model::Part;
use crate::wire::{Draft, Mark, Wanted};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::rc::Rc;
use std::time::Duration;
use tsugi_client::{Client, ConnectError, Event, Instant, RequestError, SendError, Unanswered};
use wasm_bindgen_futures::spawn_local;
use yew::html::Scope;

/// How long a message may take to be said: a person waits for the network, and can try again after it.
const SAY: Duration = Duration::from_secs(600);

/// The client, as a property of components: two are the same when they are one.
#[derive(Clone)]
pub(crate) struct Channel(Rc<Client>);

impl PartialEq for Channel {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Channel {
    /// Begins to connect.
    pub(crate) fn open(url: &str) -> Result<Self, ConnectError> {
        Client::connect(url).map(|client| Self(Rc::new(client)))
    }

    /// From now on the chat hears what happens.
    pub(crate) fn listen(&self, chat: &Scope<Chat>) -> Result<(), SendError> {
        self.on(chat, "chat/said", Msg::Said)?;
        self.on(chat, "chat/typing", Msg::Typing)?;
        self.on(chat, "chat/online", Msg::Online)?;
        self.on(chat, "chat/read", Msg::Read)?;
        self.on(chat, "chat/room-opened", Msg::Opened)?;
        self.on(chat, "chat/renamed", Msg::Renamed)?;
        let gap = chat.callback(|_| Msg::Gap);
        self.0.on_gap(move |told| gap.emit(told));
        self.tell_states(chat.clone());
        Ok(())
    }

    fn on<T: DeserializeOwned + 'static>(
        &self,
        chat: &Scope<Chat>,
        id: &str,
        msg: fn(T) -> Msg,
    ) -> Result<(), SendError> {
        let told = chat.callback(msg);
        self.0.on(id, move |data| told.emit(data)).map(drop)
    }

    /// The state there is, and every other one. Ends with the client.
    fn tell_states(&self, chat: Scope<Chat>) {
        let mut states = self.0.state();
        spawn_local(async move {
            loop {
                let state = states.borrow_and_update().clone();
                chat.send_message(Msg::State(state));
                if states.changed().await.is_err() {
                    return;
                }
            }
        });
    }

    /// Asks, and makes of the answer a message for a component.
    pub(crate) fn ask<C: yew::Component, R: DeserializeOwned + 'static>(
        &self,
        whom: &Scope<C>,
        id: &'static str,
        data: impl Serialize + 'static,
        msg: impl FnOnce(Result<R, RequestError>) -> C::Message + 'static,
    ) {
        let client = Rc::clone(&self.0);
        whom.send_future(async move { msg(client.request(id, &data).await) });
    }

    pub(crate) fn history(&self, chat: &Scope<Chat>, wanted: Wanted, part: Part) {
        let room = wanted.room;
        self.ask(chat, "chat/history", wanted, move |history| Msg::History(room, part, history));
    }

    /// The client sees to it that it arrives, over whatever connections there are until it does. A message has one key however
    /// often it is tried, and the server takes each key once, so trying again by hand is safe too.
    pub(crate) fn say(&self, chat: &Scope<Chat>, draft: Draft) {
        let client = Rc::clone(&self.0);
        chat.send_future(async move {
            let event = Event::new("chat/say", &draft).map_err(|why| RequestError::Send(why.into()));
            let said = match event {
                Ok(event) => client.request_event(&event, SAY).await,
                Err(why) => Err(why),
            };
            Msg::Answered(draft.key, said)
        });
    }

    /// That somebody types is soon out of date: where it cannot leave at once it is not sent.
    pub(crate) fn type_in(&self, room: i64) {
        let _ = self.0.send_volatile("chat/typing", &room);
    }

    pub(crate) fn read(&self, mark: Mark) {
        // What is not taken is told with the next mark.
        let _ = self.0.send("chat/read", &mark);
    }

    pub(crate) fn seconds_until(&self, moment: Instant) -> u64 {
        self.0.time_until(moment).as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX)
    }
}

/// Why something was not done, in words for people; `None` when it is only that there is no connection.
pub(crate) fn problem(why: &RequestError) -> Option<String> {
    match why {
        RequestError::Unanswered(Unanswered::Disconnected | Unanswered::Closed) => None,
        RequestError::Unanswered(Unanswered::Failed(failure)) if !failure.message.is_empty() => {
            Some(failure.message.clone())
        }
        RequestError::Unanswered(Unanswered::Timeout) => Some("the server did not answer".to_owned()),
        why => Some(why.to_string()),
    }
}

/// As [`problem`], where there must be words.
pub(crate) fn words(why: &RequestError) -> String {
    problem(why).unwrap_or_else(|| "there is no connection".to_owned())
}
