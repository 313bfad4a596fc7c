//! The conversation: what pages ask over the channel, and what they are told.

use crate::db::{DbError, Draft, History, Listed, Message, Page, Person, Room, Said};
use crate::limits::{self, Limits};
use crate::online::{Everybody, everybody, number};
use crate::store::StoreError;
use crate::text::{self, TextError};
use crate::{App, devices, now};
use serde::{Deserialize, Serialize};
use std::time::Instant;
use tsugi::event::Volatile;
use tsugi::{
    Call, Client, Data, Event, Failure, FromCall, IntoFailure, PushError, Router, Server, State, SubscribeError,
    Target, Topic, User,
};

/// What a page can ask.
pub fn router() -> Router<App> {
    Router::new()
        .on("chat/enter", enter)
        .on("chat/say", say)
        .on("chat/history", history)
        .on("chat/rooms", rooms)
        .on("chat/open-room", open_room)
        .on("chat/typing", typing)
        .on("chat/read", read)
        .on("chat/rename", rename)
        .on("chat/device", device)
}

/// Who asks, by number.
struct Me(i64);

impl FromCall<App> for Me {
    type Rejection = Failure;

    async fn from_call(call: &mut Call, app: &App) -> Result<Self, Failure> {
        let User(user) = User::from_call(call, app).await?;
        number(&user).map(Self).ok_or_else(|| Failure::new(Failure::ANONYMOUS, "please log in again"))
    }
}

/// Why something was not done, in words for the person who asked.
#[derive(Debug, thiserror::Error)]
enum Denied {
    #[error(transparent)]
    Text(#[from] TextError),
    #[error("this message has no proper key")]
    Key,
    #[error("you are talking too fast; wait a moment and try again")]
    TooFast,
    #[error("there are too many open codes; try again in some minutes")]
    NoCode,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    #[error(transparent)]
    Push(#[from] PushError),
}

impl IntoFailure for Denied {
    fn into_failure(self) -> Failure {
        let code = match &self {
            Self::Text(TextError::Empty) => "empty",
            Self::Text(TextError::Control) => "unprintable",
            Self::Text(_) => "too-long",
            Self::Key => Failure::BAD_DATA,
            Self::TooFast => "too-fast",
            Self::Store(StoreError::Db(DbError::NameTaken | DbError::RoomTaken)) => "taken",
            Self::Store(StoreError::Db(DbError::NoRoom | DbError::NoPerson)) => "not-found",
            Self::Store(StoreError::Db(DbError::TooManyRooms)) | Self::NoCode => "too-many",
            Self::Store(_) | Self::Subscribe(_) | Self::Push(_) => {
                tracing::error!(error = %self, "a request failed");
                return Failure::new(Failure::FAILED, "the server could not do this; try again");
            }
        };
        Failure::new(code, self.to_string())
    }
}

#[derive(Serialize)]
struct Welcome {
    me: Person,
    rooms: Vec<Listed>,
    online: Everybody,
    limits: Limits,
}

/// Everything a page shows at first, and from then on what is said in every room.
async fn enter(Me(me): Me, client: Client, State(app): State<App>, server: Server) -> Result<Data<Welcome>, Denied> {
    // Before the rooms are read, so that nothing falls between the two; the page drops what it gets twice.
    for room in app.store.ask(move |db| db.rooms(me)).await? {
        hear(&server, &client, room.room.id).await?;
    }
    let (me, rooms) = app.store.ask(move |db| Ok((db.person(me)?, db.rooms(me)?))).await?;
    let online = everybody(server.users().snapshot().any, &app.store).await;
    Ok(Data(Welcome { me, rooms, online, limits: Limits::ALL }))
}

#[derive(Deserialize)]
struct Say {
    room: i64,
    text: String,
    key: String,
}

async fn say(
    Me(person): Me,
    Data(say): Data<Say>,
    State(app): State<App>,
    server: Server,
) -> Result<Data<Message>, Denied> {
    if say.key.is_empty() || say.key.len() > limits::KEY {
        return Err(Denied::Key);
    }
    if !app.pace.allows(person, Instant::now()) {
        return Err(Denied::TooFast);
    }
    let draft = Draft { person, room: say.room, text: text::message(&say.text)?, key: say.key, at: now() };
    match app.store.ask(move |db| db.say(&draft)).await? {
        Said::Again(message) => Ok(Data(message)),
        Said::New(message) => {
            tell(&server, &topic(message.room), "chat/said", &message).await?;
            Ok(Data(message))
        }
    }
}

#[derive(Deserialize)]
struct Wanted {
    room: i64,
    #[serde(default)]
    before: Option<i64>,
    #[serde(default)]
    after: Option<i64>,
}

async fn history(_: Me, Data(wanted): Data<Wanted>, State(app): State<App>) -> Result<Data<History>, Denied> {
    let page = match (wanted.before, wanted.after) {
        (Some(id), _) => Page::Before(id),
        (None, Some(id)) => Page::After(id),
        (None, None) => Page::Newest,
    };
    Ok(Data(app.store.ask(move |db| db.history(wanted.room, page)).await?))
}

async fn rooms(Me(me): Me, State(app): State<App>) -> Result<Data<Vec<Listed>>, Denied> {
    Ok(Data(app.store.ask(move |db| db.rooms(me)).await?))
}

/// A new room is everybody's: all who are here hear it from now on.
async fn open_room(
    _: Me,
    Data(name): Data<String>,
    State(app): State<App>,
    server: Server,
) -> Result<Data<Room>, Denied> {
    let name = text::name(&name)?;
    let room = app.store.ask(move |db| db.open_room(&name)).await?;
    hear(&server, Target::Everyone, room.id).await?;
    tell(&server, Target::Everyone, "chat/room-opened", &room).await?;
    Ok(Data(room))
}

#[derive(Serialize)]
struct Typing {
    room: i64,
    by: Person,
}

async fn typing(Me(me): Me, Data(room): Data<i64>, State(app): State<App>, server: Server) -> Result<(), Denied> {
    let by = app.store.ask(move |db| db.room(room).and_then(|_| db.person(me))).await?;
    // Of one who types only the newest sign matters, and to those alone who keep up.
    let typing = Volatile::latest(format!("typing {room} {me}"), Event::new("chat/typing", &Typing { room, by }));
    let _delivery = server.publish(&topic(room), typing).await?;
    Ok(())
}

#[derive(Deserialize, Serialize)]
struct Mark {
    room: i64,
    message: i64,
}

/// Moves the mark of what was read, on every device of the person.
async fn read(
    User(user): User,
    Me(me): Me,
    Data(mark): Data<Mark>,
    State(app): State<App>,
    server: Server,
) -> Result<(), Denied> {
    let Mark { room, message } = mark;
    let message = app.store.ask(move |db| db.read(me, room, message)).await?;
    tell(&server, &user, "chat/read", &Mark { room, message }).await
}

async fn rename(
    Me(me): Me,
    Data(name): Data<String>,
    State(app): State<App>,
    server: Server,
) -> Result<Data<Person>, Denied> {
    let name = text::name(&name)?;
    let person = app.store.ask(move |db| db.rename(me, &name)).await?;
    tell(&server, Target::Everyone, "chat/renamed", &person).await?;
    Ok(Data(person))
}

#[derive(Serialize)]
struct Device {
    code: String,
    minutes: u64,
}

/// A code that lets another device of this person in.
async fn device(Me(me): Me, State(app): State<App>) -> Result<Data<Device>, Denied> {
    let code = app.codes.issue(me, Instant::now()).ok_or(Denied::NoCode)?;
    Ok(Data(Device { code, minutes: devices::LIFETIME.as_secs() / 60 }))
}

/// How many hear it does not matter here: whoever is away reads it in the history.
async fn tell<T: Serialize>(server: &Server, whom: impl Into<Target> + Send, id: &str, data: &T) -> Result<(), Denied> {
    let _delivery = server.push(whom, Event::new(id, data)).await?;
    Ok(())
}

async fn hear(server: &Server, who: impl Into<Target> + Send, room: i64) -> Result<(), Denied> {
    let _delivery = server.subscribe(who, &topic(room)).await?;
    Ok(())
}

fn topic(room: i64) -> Topic {
    Topic::new(format!("room/{room}")).unwrap_or_else(|error| unreachable!("a number is a topic: {error}"))
}
