//! The wire of wocket, a Clojure library, over plain sockets: every message is `[tag payload …]` as transit-JSON in a text frame,
//! without an envelope. `[:add 1 2]` calls a service and is answered `[:add-return 3]`; `[:subscribe :news]` brings what is
//! published as `[:news 7]`. Calls have no numbers: one client's run one by one, so that answers come in their order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::broadcast::Sender;
use tokio::time::timeout;
use tsugi::codec::transit::{self, Style};
use tsugi::{BoxError, BoxFuture, Message, Socket, SocketConfig, Sockets, Value};

/// A tag of the server's own making: a client came.
pub const OPENED: &str = "client-websocket-channel-opened";
/// And is gone.
pub const CLOSED: &str = "client-websocket-channel-closed";
/// How long a route may take. Whoever takes longer, fails or panics is answered `{:error "…"}`.
const PATIENCE: Duration = Duration::from_secs(30);
/// A client that is behind by more posts reads too slowly and is closed.
const POSTS: usize = 1024;

/// A message for all clients, or for those that subscribed to its tag; encoded once.
#[derive(Clone, Debug)]
struct Post(Message, Option<Arc<str>>);

/// Speaks to every client.
#[derive(Clone, Debug)]
pub struct Hall(Sender<Post>);

impl Hall {
    /// To everybody, whoever caused it included.
    pub fn broadcast(&self, tag: &str, payload: Value) {
        let _ = self.0.send(Post(write(tag, payload), None));
    }

    /// To those that subscribed to `tag`, once each however often they did.
    pub fn publish(&self, tag: &str, payload: Value) {
        let _ = self.0.send(Post(write(tag, payload), Some(tag.into())));
    }
}

/// What a route says to the client: nothing, the result of a call, or why there is none.
pub type Answer = Option<Result<Value, String>>;
type Route = Box<dyn Fn(Vec<Value>) -> BoxFuture<'static, Answer> + Send + Sync>;
type Job = BoxFuture<'static, Option<Message>>;

/// What is done with messages, by their tag.
pub struct Wocket {
    hall: Hall,
    routes: HashMap<String, Route>,
    ping: Duration,
}

impl Wocket {
    /// Knows no tags yet; pings each client at once and then so often.
    pub fn new(ping: Duration) -> Self {
        Self { hall: Hall(Sender::new(POSTS)), routes: HashMap::new(), ping }
    }

    /// To speak to its clients from anywhere.
    pub fn hall(&self) -> Hall {
        self.hall.clone()
    }

    /// Hands what follows this tag to `route`, and answers under `<tag>-return` if it returns something.
    pub fn on<F>(mut self, tag: &str, route: fn(Hall, Vec<Value>) -> F) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let hall = self.hall();
        self.routes.insert(tag.to_owned(), Box::new(move |payload| Box::pin(route(hall.clone(), payload))));
        self
    }

    /// The service to mount.
    pub fn sockets(self, config: SocketConfig) -> Sockets {
        let wocket = Arc::new(self);
        Sockets::new(config, move |socket| Arc::clone(&wocket).serve(socket))
    }

    /// One client, from its first message to its last. What it subscribed to is in here, so that nothing of it stays.
    async fn serve(self: Arc<Self>, socket: Socket) -> Result<(), BoxError> {
        let (mut posts, mut topics) = (self.hall.0.subscribe(), HashSet::<String>::new());
        let (mut incoming, mut outgoing, _errors) = socket.split();
        let (mut pings, mut job) = (tokio::time::interval(self.ping), self.begin(OPENED, Vec::new()));
        let _gone = Gone(Arc::clone(&self));
        loop {
            // While a message is handled the next is not read, and TCP holds the client back; posts and pings go on.
            tokio::select! {
                answer = finished(&mut job) => if let Some(answer) = answer { outgoing.send(answer).await? },
                message = incoming.recv(), if job.is_none() => {
                    let Some(message) = message else { return Ok(()) };
                    let Some((tag, payload)) = read(&message) else {
                        return Ok(outgoing.close(1007, "not [tag payload]")?);
                    };
                    match (tag.as_str(), payload.first().and_then(Value::as_text)) {
                        ("subscribe", Some(topic)) => drop(topics.insert(topic.to_owned())),
                        ("un-subscribe", Some(topic)) => drop(topics.remove(topic)),
                        ("pong" | OPENED | CLOSED, _) => {}
                        (tag, _) => job = self.begin(tag, payload),
                    }
                }
                post = posts.recv() => match post {
                    Ok(Post(_, Some(topic))) if !topics.contains(&*topic) => {}
                    Ok(Post(message, _)) => outgoing.send(message).await?,
                    Err(_) => return Ok(outgoing.close(3002, "reads too slowly")?),
                },
                _ = pings.tick() => outgoing.send(write("ping", now())).await?,
            }
        }
    }

    /// Runs what belongs to a tag in a task of its own, which a panic ends and not the connection.
    fn begin(&self, tag: &str, payload: Vec<Value>) -> Option<Job> {
        let task = tokio::spawn(timeout(PATIENCE, self.routes.get(tag)?(payload)));
        let tag = format!("{tag}-return");
        Some(Box::pin(async move {
            let answer = match task.await {
                Ok(Ok(answer)) => answer?,
                Ok(Err(_)) => Err("timed out".to_owned()),
                Err(_) => Err("panicked".to_owned()),
            };
            let failed = |why: String| Value::Map(vec![(Value::keyword("error"), Value::string(&why))]);
            Some(write(&tag, answer.unwrap_or_else(failed)))
        }))
    }
}

async fn finished(job: &mut Option<Job>) -> Option<Message> {
    let Some(running) = job else { return std::future::pending().await };
    let answer = running.await;
    *job = None;
    answer
}

/// Tells of a client's end, whatever ended it.
struct Gone(Arc<Wocket>);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.0.begin(CLOSED, Vec::new());
    }
}

fn now() -> Value {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Value::Instant(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A message as it travels; what transit has no form for is nil.
pub fn write(tag: &str, payload: Value) -> Message {
    let message = |payload| transit::write(&Value::Vector(vec![Value::keyword(tag), payload]), Style::Json);
    Message::text(message(payload).or_else(|_| message(Value::Nil)).unwrap_or_default())
}

/// A message's tag and what follows it.
pub fn read(message: &Message) -> Option<(String, Vec<Value>)> {
    let Message::Text(text) = message else { return None };
    let Ok(Value::Vector(mut parts)) = transit::read(text.as_str()) else { return None };
    let tag = parts.first()?.as_text()?.to_owned();
    Some((tag, parts.drain(1..).collect()))
}
