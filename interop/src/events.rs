//! The event endpoints and the events they understand.

use crate::log::{Endpoint, Log, Seen, Tally};
use std::time::Duration;
use tsugi::codec::{Edn, Gzip, Json, MessagePack, Transit};
use tsugi::users::Online;
use tsugi::{
    Client, CloseCode, ConfigError, Data, Event, EventId, Handler, Identity, NoReply, Origins, Raw, Refusal, Responder,
    Router, Server, ServerBuilder, State, Target, Times, UserId, Value, event,
};

/// How long most endpoints hold a poll.
pub(crate) const POLL_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a client may miss something; a tally holds numbers, and these are counted from 0.
const GAPS: [&str; 4] = ["overflow", "expired", "restarted", "desync"];

/// Every event endpoint with its path.
pub(crate) fn endpoints(log: &Log, poll_timeout: Duration) -> Result<Vec<(&'static str, Server)>, ConfigError> {
    let times = || Times::default().poll_timeout(poll_timeout);
    let fast = Times::default()
        .keep_alive(Some(Duration::from_millis(1_000)))
        .ping_timeout(Some(Duration::from_millis(500)))
        .poll_timeout(Duration::from_secs(1))
        .grace_websocket(Duration::from_millis(300))
        .grace_poll(Duration::from_millis(600));
    // Notices soon that nobody is there, and keeps sessions and outboxes for as long as ever.
    let restless = Times::default().keep_alive(Some(Duration::from_millis(500))).poll_timeout(Duration::from_secs(1));
    let hello = Value::Map(vec![(Value::keyword("hello"), Value::string("world"))]);
    let token = |_: &tsugi::ConnectRequest| Some("tok".to_owned());
    let cid = |request: &tsugi::ConnectRequest| {
        let client = request.client_id().map(|client| client.as_str().to_owned());
        client.map(Identity::user).ok_or_else(Refusal::unauthorized)
    };
    let auth = |request: &tsugi::ConnectRequest| match request.param("auth") {
        Some("yes") => Ok(by_parameter(request)),
        _ => Err(Refusal::unauthorized()),
    };
    let pay =
        |_: &tsugi::ConnectRequest| Some(Refusal::new(http::StatusCode::PAYMENT_REQUIRED, "pay").header("x-foo", "1"));
    let endpoints = [
        ("/chsk", builder().csrf(token).handshake_data(move |_| hello.clone()).times(times())),
        ("/chsk-open", builder().times(times())),
        ("/chsk-default", builder().csrf(|_| None)),
        ("/chsk-cid", builder().identify(cid).times(times())),
        ("/chsk-auth", builder().identify(auth).times(times())),
        ("/chsk-unauth2", builder().reject(pay).times(times())),
        ("/chsk-origin", builder().allowed_origins(["http://site.com"]).times(times())),
        ("/chsk-fast", builder().times(fast)),
        ("/chsk-cuts", builder().times(restless)),
        ("/chsk-transit", packer().codec(Transit::new()).times(times())),
        ("/chsk-transit-verbose", packer().codec(Transit::verbose()).times(times())),
        ("/chsk-msgpack", packer().codec(MessagePack::new()).times(times())),
        ("/chsk-gz-msgpack", packer().codec(Gzip::new(MessagePack::new())).times(times())),
        ("/chsk-gz-edn", packer().codec(Gzip::new(Edn::new())).times(times())),
        ("/chsk-v1", packer().times(times())),
        ("/chsk-v2", packer().times(times())),
    ];
    let tally = Tally::default();
    let build = |(path, builder): (&'static str, ServerBuilder)| {
        let endpoint = Endpoint { path, log: log.clone(), tally: tally.clone() };
        Ok((path, builder.router(router().with_state(endpoint)).build()?))
    };
    endpoints.into_iter().map(build).collect()
}

/// EDN for Sente's clients, and everything for those who choose by name.
fn builder() -> ServerBuilder {
    let texts = packer().codec(Edn::new()).codec(Json::new()).codec(Transit::new()).codec(Transit::verbose());
    texts.codec(MessagePack::new())
}

/// Without a codec yet: Sente's clients speak the first.
fn packer() -> ServerBuilder {
    Server::builder().origins(Origins::Any).identify(|request| Ok(by_parameter(request)))
}

fn by_parameter(request: &tsugi::ConnectRequest) -> Identity {
    request.param("uid").map_or_else(Identity::anonymous, Identity::user)
}

fn router() -> Router<Endpoint> {
    Router::new()
        .on("test/echo", async |_: Seen, Raw(value): Raw| Value::Map(vec![(Value::keyword("echo"), value)]))
        .on("test/reply2", reply_twice)
        .on("test/nilreply", async |_: Seen| ())
        .on("test/push", async |_: Seen, client: Client, count: Data<i64>, server: Server| {
            push(&server, &client, count.0, Pace::Batched).await;
            NoReply
        })
        .on("test/push-flush", async |_: Seen, client: Client, count: Data<i64>, server: Server| {
            push(&server, &client, count.0, Pace::Now).await;
            NoReply
        })
        .on("test/push-no-data", async |_: Seen, client: Client, server: Server| {
            note(server.push(of(&client), Event::bare("srv/bare")).await);
            NoReply
        })
        .on("test/push-nouid", async |_: Seen, server: Server| {
            note(server.push_anonymous(Event::new("srv/nouid", &1)).await);
            NoReply
        })
        .on("test/push-chsk", async |_: Seen, client: Client, server: Server| {
            note(server.push(of(&client), Event::new("chsk/oops", &1)).await);
            NoReply
        })
        .on("test/broadcast", async |_: Seen, Raw(value): Raw, server: Server| {
            note(server.broadcast(Event { id: EventId::of_static("srv/all"), data: Some(value) }).await);
            NoReply
        })
        .on("test/close", async |_: Seen, client: Client, server: Server| {
            note(server.close(of(&client), CloseCode::NORMAL, "").await);
            NoReply
        })
        .on("test/close-flush", async |_: Seen, client: Client, server: Server| {
            note(server.push(of(&client), Event::new("srv/before-close", &1)).await);
            note(server.close(of(&client), CloseCode::NORMAL, "").await);
            NoReply
        })
        .on("test/info", async |_: Seen, server: Server| connected_uids(&server.users().snapshot()))
        .on("test/slow", slow.concurrent(64))
        .on("count/note", count)
        .on("count/noted", async |State(tally): State<Tally>, Data(who): Data<String>| Data(tally.of(&who)))
        .on("count/push", async |Data((user, from, to)): Data<(String, i64, i64)>, server: Server| {
            for n in from..=to {
                note(server.push(&UserId::from(user.as_str()), Event::new("count/n", &n)).await);
            }
        })
        .on(event::GAP, async |State(tally): State<Tally>, client: Client, Raw(gap): Raw| {
            let why = gap.get("why").and_then(Value::as_text).unwrap_or_default();
            let reason = GAPS.iter().position(|known| *known == why).and_then(|index| i64::try_from(index).ok());
            tally.note(format!("gaps of {}", client.id.as_str()), reason.unwrap_or(-1));
        })
        .on(event::USER_ONLINE, ignore)
        .on(event::USER_OFFLINE, ignore)
        .on(event::BAD_EVENT, ignore)
        .on(event::BAD_PACKAGE, ignore)
        .on(event::PING, ignore)
        .on(event::PONG, ignore)
        .fallback(ignore)
}

async fn ignore(_: Seen) -> NoReply {
    NoReply
}

async fn slow(_: Seen, Data(millis): Data<u64>) -> Value {
    tokio::time::sleep(Duration::from_millis(millis)).await;
    Value::keyword("done")
}

/// Writes down that it handled a number of somebody's, and gives it back; after so many milliseconds if it is to be slow.
async fn count(State(tally): State<Tally>, Data((who, n, millis)): Data<(String, i64, u64)>) -> Data<i64> {
    tally.note(who, n);
    if millis > 0 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    Data(n)
}

/// A second reply is not expressible: the first uses the responder up.
async fn reply_twice(_: Seen, responder: Responder) -> NoReply {
    note(responder.reply(Value::keyword("first")));
    NoReply
}

#[derive(Clone, Copy)]
enum Pace {
    Batched,
    Now,
}

async fn push(server: &Server, client: &Client, count: i64, pace: Pace) {
    for n in 0..count {
        let event = Event::new("srv/n", &n);
        note(match pace {
            Pace::Batched => server.push(of(client), event).await,
            Pace::Now => server.push_now(of(client), event).await,
        });
    }
}

/// The sender's user; Sente takes all anonymous clients for one.
fn of(client: &Client) -> Target {
    client.user.as_ref().map_or(Target::Anonymous, Target::from)
}

/// What goes wrong here is the fixture's own doing; it is said and the event goes on.
fn note<T, E: std::fmt::Display>(result: Result<T, E>) {
    if let Err(error) = result {
        tracing::warn!(%error, "the fixture could not do that");
    }
}

fn connected_uids(online: &Online) -> Value {
    let set = |users: &std::collections::HashSet<UserId>| {
        Value::Set(users.iter().map(|user| Value::string(user.as_str())).collect())
    };
    let sets = vec![
        (Value::keyword("ws"), set(&online.ws)),
        (Value::keyword("ajax"), set(&online.poll)),
        (Value::keyword("any"), set(&online.any)),
    ];
    Value::Map(vec![(Value::keyword("connected-uids"), Value::Map(sets))])
}
