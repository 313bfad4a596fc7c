//! An outbox that outlives the process: docs/wire.md, "The outbox".

mod file;
mod record;

use crate::delivery::Delivery;
use crate::error::SendError;
use crate::shared::{Again, Kind};
use file::{Claim, OutboxFile};
use record::Kept;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use thiserror::Error;
use tsugi_proto::codec::Form;
use tsugi_proto::connection::{ItemId, Reply, RequestError, Wants};
use tsugi_proto::message::Utf8Bytes;
use tsugi_proto::{Codec, Connection, Event, EventId, Instant, Message, Value};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

type Keep = Arc<dyn Fn(&EventId, Kind) -> bool + Send + Sync>;
type OnProblem = Arc<dyn Fn(&OutboxError) + Send + Sync>;

/// Keeps what is sent in a file until a server has handled it: over a crash, a kill, a restart. For
/// [`ClientBuilder::outbox`](crate::ClientBuilder::outbox).
///
/// Nothing leaves before it is written, so the server takes it once, however often this program was started meanwhile; when the
/// server was started anew as well, a handler may see it again (`Attempt` in a Tsugi server). Written means given to the
/// operating system, by the caller of `send`: it survives this process, not a loss of power, which may cost the last seconds.
/// Numbers survive even that, so nothing new is ever taken for something old: a file is synced to the disk when it is opened, and
/// when it is written anew, about once in 4 MiB of events.
///
/// A file belongs to one endpoint (the URL with the [`param`](crate::ClientBuilder::param)s), codec and user, and to one client at a
/// time: another, in this process or not, that runs beside it has one of its own, up to 16. What such a one
/// leaves is found by the next client that is made while its own has nothing in it.
///
/// When the server names another user than this one, what waits fails with [`OtherUser`](crate::Unanswered::OtherUser) and stays in the
/// file for its owner; from then on this client keeps nothing. When the client closes, what waits fails with
/// [`Closed`](crate::Unanswered::Closed) and stays in the file for the next one, or for [`Client::reconnect`](crate::Client::reconnect).
/// What cannot be read in a file is discarded and told, and stops nothing.
///
/// ```
/// use tsugi::{Data, Router, Server};
/// use tsugi_client::{Client, Persistent};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let router = Router::new().on("log/line", async |Data(_): Data<String>| ());
/// # let server = Server::builder().identify(|_| Ok(tsugi::Identity::user("bot"))).router(router).build()?;
/// # let app = axum::Router::new().route_service("/chsk", server.service());
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let url = format!("http://{}/chsk", listener.local_addr()?);
/// # tokio::spawn(async move { axum::serve(listener, app).await });
/// # let directory = std::env::temp_dir().join(format!("tsugi-outbox-doc-{}", std::process::id()));
/// let outbox = Persistent::of_user(&directory, "bot")
///     .keep(|id, _| id.as_str() == "log/line")
///     .on_problem(|problem| eprintln!("{problem}"));
/// let client = Client::builder().outbox(outbox).connect(&url)?;
/// for restored in client.restored() {
///     println!("{} still waits from before", restored.event.id);
/// }
/// client.send("log/line", "kept until it is handled")?.settled().await?;
/// # drop(client);
/// # std::fs::remove_dir_all(directory)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Persistent {
    directory: PathBuf,
    user: Option<String>,
    keep: Keep,
    timeout: Duration,
    on_problem: OnProblem,
}

impl std::fmt::Debug for Persistent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Persistent").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl Persistent {
    /// Files in this directory, which is made if it is not there, for what is said as this user, as the server calls it. They hold
    /// what is sent, readable by the system's user only.
    pub fn of_user(directory: impl Into<PathBuf>, user: impl Into<String>) -> Self {
        Self::new(directory.into(), Some(user.into()))
    }

    /// The same for a client that the server does not know.
    pub fn of_nobody(directory: impl Into<PathBuf>) -> Self {
        Self::new(directory.into(), None)
    }

    fn new(directory: PathBuf, user: Option<String>) -> Self {
        let keep: Keep = Arc::new(|_, kind| kind == Kind::Event);
        let on_problem: OnProblem = Arc::new(|problem| tracing::error!(%problem, "the outbox"));
        Self { directory, user, keep, timeout: WEEK, on_problem }
    }

    /// Which are kept. Default: every event and no request, which nobody would wait for any more.
    pub fn keep(mut self, keep: impl Fn(&EventId, Kind) -> bool + Send + Sync + 'static) -> Self {
        self.keep = Arc::new(keep);
        self
    }

    /// How long one that is kept may take when it does not say so itself, with or without a process. Default: a week.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What to do when something is wrong with the file that no call can return. Called in the client's own task: it must not
    /// block. Default: an error is logged.
    pub fn on_problem(mut self, tell: impl Fn(&OutboxError) + Send + Sync + 'static) -> Self {
        self.on_problem = Arc::new(tell);
        self
    }

    pub(crate) fn timeout_of(&self, id: &EventId, kind: Kind) -> Option<Duration> {
        (self.keep)(id, kind).then_some(self.timeout)
    }
}

/// What is wrong with a kept outbox.
#[derive(Debug, Error)]
pub enum OutboxError {
    /// As many clients of this endpoint and user as may run side by side already do.
    #[error("too many clients have an outbox in {0:?} already")]
    Busy(PathBuf),
    /// The operating system did not do what was asked of it: no room, no rights, no lock. What was to be sent was not; what ended
    /// may be sent once more by a later process.
    #[error("the outbox in {path:?}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// Part of a file could not be read, and is discarded. Told to [`Persistent::on_problem`].
    #[error("discarded {bytes} bytes of the outbox in {path:?}, which cannot be read")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How much of it.
        bytes: usize,
    },
    /// An item of the file is none that this codec reads or writes, and is discarded. Told to [`Persistent::on_problem`].
    #[error("discarded item {0} of the outbox, which is no event")]
    BadItem(u64),
    /// The server names another user than the file's: nothing is kept any more. Told to [`Persistent::on_problem`].
    #[error("the server takes this client for another user: nothing is kept from now on")]
    OtherUser,
    /// The operating system has no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

impl OutboxError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// What an earlier process left in the outbox, and is under way again.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What it is.
    pub event: Event,
    /// Whether it wants a reply: [`Delivery::reply`].
    pub kind: Kind,
    /// What becomes of it. What is too old by now fails with [`Timeout`](crate::Unanswered::Timeout).
    pub delivery: Delivery,
}

/// Where a client keeps what it sends, if it does.
#[derive(Default)]
pub(crate) struct Keeper {
    place: Option<Place>,
    /// `None` while nothing is kept: after the end, or for another user.
    store: Option<Store>,
    /// What nobody has been told yet.
    problems: Vec<OutboxError>,
}

struct Place {
    options: Persistent,
    endpoint: String,
    codec: Arc<dyn Codec>,
}

/// To be told without a lock.
pub(crate) struct Problems(Vec<OutboxError>, Persistent);

impl Problems {
    pub(crate) fn tell(self) {
        self.0.iter().for_each(|problem| (self.1.on_problem)(problem));
    }
}

impl Keeper {
    /// Claims a file, and lets the connection go on with what is in it.
    pub(crate) fn begin(
        &mut self,
        options: &Persistent,
        endpoint: String,
        connection: &mut Connection,
        now: Instant,
    ) -> Result<Vec<Again>, OutboxError> {
        let codec = Arc::clone(connection.codec());
        self.place = Some(Place { options: options.clone(), endpoint, codec });
        self.open(connection, now)
    }

    /// The same after an end.
    pub(crate) fn reopen(&mut self, connection: &mut Connection, now: Instant) -> Vec<Again> {
        let again = self.open(connection, now);
        again.unwrap_or_else(|problem| {
            // Numbers of the file's outbox are not ours to give any more.
            connection.leave_outbox();
            self.problems.push(problem);
            Vec::new()
        })
    }

    fn open(&mut self, connection: &mut Connection, now: Instant) -> Result<Vec<Again>, OutboxError> {
        let Some(place) = self.place.as_ref().filter(|_| self.store.is_none()) else { return Ok(Vec::new()) };
        let Opened { store, again, problems } = Store::open(place, connection, now)?;
        self.store = Some(store);
        self.problems.extend(problems);
        Ok(again)
    }

    /// Before an item is sent: keeps it, if it is one to be kept.
    pub(crate) fn put(
        &mut self,
        connection: &Connection,
        event: &Event,
        kind: Kind,
        timeout: Duration,
    ) -> Result<(), SendError> {
        self.check_owner(connection);
        match &mut self.store {
            Some(store) => Ok(store.put(connection.next_item(), event, kind, timeout)?),
            None => Ok(()),
        }
    }

    /// It was not sent after all.
    pub(crate) fn take_back(&mut self, item: ItemId) {
        let taken_back = self.store.as_mut().map(|store| store.file.done(item.number()));
        self.problems.extend(taken_back.and_then(Result::err));
    }

    /// An item is over, or it is over for this client only.
    pub(crate) fn settled(&mut self, connection: &Connection, item: ItemId, result: &Reply) {
        self.check_owner(connection);
        if !matches!(result, Err(RequestError::Closed | RequestError::OtherUser)) {
            self.take_back(item);
        }
    }

    /// What is said as another user than the file's is not kept in it.
    fn check_owner(&mut self, connection: &Connection) {
        if self.store.take_if(|store| store.file.name() != connection.outbox_name()).is_some() {
            self.problems.push(OutboxError::OtherUser);
        }
    }

    /// With the connection's end what is kept is over for this client, and stays for the next.
    pub(crate) fn leave(&mut self) {
        self.store = None;
    }

    pub(crate) fn problems(&mut self) -> Option<Problems> {
        let problems = std::mem::take(&mut self.problems);
        let place = self.place.as_ref().filter(|_| !problems.is_empty())?;
        Some(Problems(problems, place.options.clone()))
    }
}

/// The file of one client, and which of its connection's items are in it.
struct Store {
    file: OutboxFile,
    options: Persistent,
    codec: Arc<dyn Codec>,
}

/// A store with what was in it, and what was wrong with it.
struct Opened {
    store: Store,
    again: Vec<Again>,
    problems: Vec<OutboxError>,
}

impl Store {
    fn open(place: &Place, connection: &mut Connection, now: Instant) -> Result<Opened, OutboxError> {
        let Place { options, endpoint, codec } = place;
        let user = options.user.as_deref().map_or("-".to_owned(), |user| format!("+{user}"));
        let scope = format!("{endpoint}\n{}\n{user}", codec.name());
        let Claim { file, items, last, damaged } = OutboxFile::claim(&options.directory, &scope)?;
        let mut store = Self { file, options: options.clone(), codec: Arc::clone(codec) };
        let mut problems: Vec<_> = damaged.into_iter().collect();
        connection.begin_outbox(store.file.name(), options.user.as_deref().map(Value::string));
        let again = store.restore(connection, now, items, &mut problems);
        connection.continue_after(ItemId::from_number(last), store.file.lives());
        Ok(Opened { store, again, problems })
    }

    fn restore(
        &mut self,
        connection: &mut Connection,
        now: Instant,
        items: BTreeMap<u64, Kept>,
        problems: &mut Vec<OutboxError>,
    ) -> Vec<Again> {
        let mut again = Vec::new();
        for (number, kept) in items {
            let left = Duration::from_millis(kept.until.saturating_sub(millis(SystemTime::now())));
            let kind = kept.kind;
            let restored = ItemId::from_number(number).zip(self.read(kept)).filter(|(item, event)| {
                let wants = if kind == Kind::Event { Wants::Nothing } else { Wants::Reply };
                connection.restore(now, *item, event, wants, left).is_ok()
            });
            match restored {
                Some((item, event)) => again.push(Again { item, event, kind }),
                None => {
                    problems.push(OutboxError::BadItem(number));
                    problems.extend(self.file.done(number).err());
                }
            }
        }
        again
    }

    fn read(&self, kept: Kept) -> Option<Event> {
        let message = match self.codec.form() {
            Form::Binary => Message::Binary(kept.message.into()),
            Form::Text => Message::Text(Utf8Bytes::new(kept.message.into()).ok()?),
        };
        let packet = self.codec.decode(&message).ok()?;
        let [id, data @ ..] = packet.payload.as_elements()? else { return None };
        let id = EventId::new(id.as_text()?).ok()?;
        (data.len() < 2).then(|| Event { id, data: data.first().cloned() })
    }

    /// Before an item is sent: makes sure that its number is not given again, and keeps it if it is one to be kept.
    pub(crate) fn put(
        &mut self,
        item: ItemId,
        event: &Event,
        kind: Kind,
        timeout: Duration,
    ) -> Result<(), OutboxError> {
        let number = item.number();
        self.file.reserve(number)?;
        if !(self.options.keep)(&event.id, kind) {
            return Ok(());
        }
        let id = Value::Keyword(event.id.as_str().into());
        let payload = std::iter::once(id).chain(event.data.clone()).collect();
        // What cannot be written is refused by the connection, with the reason.
        let Ok(message) = self.codec.encode(&Value::Vector(payload), &Value::Nil) else { return Ok(()) };
        let until = millis(SystemTime::now()).saturating_add(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        self.file.put(number, &Kept { kind, until, message: message.as_bytes().to_vec() })
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The body of the fuzz target for the file's parser. No part of the API.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub fn fuzz(data: &[u8]) {
    record::fuzz(data);
}
