//! The conversation: what is typed is said, what is said is shown, and after a loss what was missed is asked for.

use crate::screen::Screen;
use crate::wire::{Everybody, History, Message, Online, Person, Room, Say, Wanted, Welcome};
use serde::de::DeserializeOwned;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tsugi_client::{Client, Event, Events, Notice, Outcome, RequestError, State, Transport};

/// How long something that was typed may take: as long as a person would wait for the network.
const SAY: Duration = Duration::from_secs(120);
/// Lines that may be on their way; further ones are read when one of them was said.
const UNDER_WAY: usize = 8;

/// Why the chat ends.
#[derive(Debug, Error)]
pub(crate) enum ChatError {
    #[error("{0}")]
    Ended(tsugi_client::Ended),
    #[error("there is no room {0:?}")]
    NoRoom(String),
    #[error("the server does not let us in: {0}")]
    Enter(RequestError),
}

pub(crate) struct Chat {
    client: Client,
    events: Events,
    state: watch::Receiver<State>,
    wanted: String,
    room: Option<Room>,
    people: Vec<Person>,
    count: u64,
    /// The last message that was shown.
    last: Option<i64>,
    /// What is being said.
    saying: JoinSet<Result<(), RequestError>>,
    screen: Screen,
}

impl Chat {
    pub(crate) fn new(client: Client, room: String, screen: Screen) -> Self {
        let (events, state) = (client.events(), client.state());
        Self {
            client,
            events,
            state,
            wanted: room,
            room: None,
            people: Vec::new(),
            count: 0,
            last: None,
            saying: JoinSet::new(),
            screen,
        }
    }

    /// Until `/quit`, or the end of the lines, when everything was said.
    pub(crate) async fn run(mut self, mut lines: mpsc::Receiver<String>) -> Result<(), ChatError> {
        self.state_changed().await?;
        let mut reading = true;
        while reading || !self.saying.is_empty() {
            let room = self.room.is_some() && self.saying.len() < UNDER_WAY;
            tokio::select! {
                changed = self.state.changed() => if changed.is_ok() { self.state_changed().await? },
                Some(notice) = self.events.next() => self.notice(notice).await?,
                Some(said) = self.saying.join_next() => self.said(said.unwrap_or(Ok(()))),
                line = lines.recv(), if reading && room => match line.as_deref().map(str::trim) {
                    None | Some("/quit") => reading = false,
                    Some(line) => self.typed(line),
                },
            }
        }
        Ok(())
    }

    fn typed(&mut self, line: &str) {
        self.screen.typed();
        match (line, &self.room) {
            ("", _) | (_, None) => {}
            ("/who", _) => {
                let names: Vec<_> = self.people.iter().map(|person| person.name.as_str()).collect();
                self.screen.line(&format!("* here: {}", names.join(", ")));
            }
            (line, Some(room)) => {
                let say = Say { room: room.id, text: line.to_owned(), key: key() };
                let client = self.client.clone();
                self.saying.spawn(async move {
                    let event = Event::new("chat/say", &say).map_err(tsugi_client::SendError::from)?;
                    client.request_event::<Message>(&event, SAY).await.map(drop)
                });
            }
        }
    }

    fn said(&self, said: Result<(), RequestError>) {
        if let Err(why) = said {
            self.screen.line(&format!("! not said: {why}"));
        }
    }

    async fn state_changed(&mut self) -> Result<(), ChatError> {
        let state = self.state.borrow_and_update().clone();
        match state {
            State::Open(open) if open.outcome == Outcome::New || self.room.is_none() => self.enter().await?,
            State::Closed(loss) => return Err(ChatError::Ended(tsugi_client::Ended(loss))),
            _ => {}
        }
        self.show_status();
        Ok(())
    }

    /// Tells the server that we are here, from when on it says what happens, and shows what was said before.
    async fn enter(&mut self) -> Result<(), ChatError> {
        let welcome = match self.client.request::<Welcome>("chat/enter", &()).await {
            Ok(welcome) => welcome,
            // The connection is gone again; there will be another one.
            Err(RequestError::Unanswered(_)) if !self.is_open() => return Ok(()),
            Err(why) => return Err(ChatError::Enter(why)),
        };
        let mut rooms = welcome.rooms.into_iter();
        let room = rooms.find(|room| room.name.to_lowercase() == self.wanted.to_lowercase());
        self.room = Some(room.ok_or_else(|| ChatError::NoRoom(self.wanted.clone()))?);
        self.everybody(welcome.online);
        self.catch_up().await;
        Ok(())
    }

    fn is_open(&self) -> bool {
        matches!(*self.state.borrow(), State::Open(_))
    }

    async fn catch_up(&mut self) {
        let Some(room) = &self.room else { return };
        let wanted = Wanted { room: room.id, after: self.last };
        match self.client.request::<History>("chat/history", &wanted).await {
            Ok(history) => history.messages.iter().for_each(|message| self.show(message)),
            Err(why) => self.screen.line(&format!("! what was said before cannot be shown: {why}")),
        }
    }

    async fn notice(&mut self, notice: Notice) -> Result<(), ChatError> {
        match notice {
            Notice::Event(event) => self.event(&event),
            Notice::Gap(_) | Notice::Missed(_) => self.enter().await?,
            Notice::BadEvent(_) => {}
        }
        self.show_status();
        Ok(())
    }

    fn event(&mut self, event: &Event) {
        match event.id.as_str() {
            "chat/said" => data(event).iter().for_each(|message| self.show(message)),
            "chat/online" => data(event).into_iter().for_each(|online| self.online(online)),
            _ => {}
        }
    }

    fn show(&mut self, message: &Message) {
        let here = self.room.as_ref().is_some_and(|room| room.id == message.room);
        if here && self.last.is_none_or(|last| last < message.id) {
            self.last = Some(message.id);
            self.screen.line(&format!("{}: {}", message.by.name, message.text));
        }
    }

    fn online(&mut self, Online { came, went, all }: Online) {
        if let Some(person) = came
            && self.people.iter().all(|other| other.id != person.id)
        {
            self.screen.line(&format!("* {} is here", person.name));
            self.people.push(person);
            self.count += 1;
        }
        if let Some(gone) = went
            && let Some(index) = self.people.iter().position(|person| person.id == gone.id)
        {
            let person = self.people.swap_remove(index);
            self.screen.line(&format!("* {} has left", person.name));
            self.count = self.count.saturating_sub(1);
        }
        if let Some(all) = all {
            self.everybody(all);
        }
    }

    fn everybody(&mut self, all: Everybody) {
        self.people = all.people;
        self.count = all.count;
    }

    fn show_status(&mut self) {
        let state = match &*self.state.borrow() {
            State::Idle | State::Connecting { .. } => "connecting".to_owned(),
            State::Open(open) if open.transport == Transport::WebSocket => "online".to_owned(),
            State::Open(_) => "online by polling".to_owned(),
            State::Waiting { until, .. } => {
                format!("offline, trying again in {} s", self.client.time_until(*until).as_secs() + 1)
            }
            State::Closed(_) => "closed".to_owned(),
        };
        let room = self.room.as_ref().map_or(self.wanted.as_str(), |room| room.name.as_str());
        let text = format!("{room}, {} here, {state}", self.count);
        self.screen.status(&text);
    }
}

/// What a server says that is newer than this program is not shown.
fn data<T: DeserializeOwned>(event: &Event) -> Option<T> {
    tsugi_client::from_value(event.data.clone()?).ok()
}

/// By which the server knows a message that was sent twice.
fn key() -> String {
    let mut bytes = [0; 12];
    // Without randomness a message may be taken for one of before: rare, and better than a chat that says nothing.
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
