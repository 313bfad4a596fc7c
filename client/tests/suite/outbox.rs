//! An outbox in a file: what was said before a process was killed is handled, once and in order.

use crate::restart::Mortal;
use crate::support::{ada, builder, in_time, ready, serve_events, until, url};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tsugi::{Attempt, Data, Identity, Router, Server};
use tsugi_client::{
    Client, Close, CloseCode, Delivery, Event, Kind, OutboxError, Persistent, SendError, State, Unanswered, Unsent,
};

/// A directory that goes when the test ends.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("tsugi-client-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&place);
        Self(place)
    }

    fn of_ada(&self) -> Persistent {
        Persistent::of_user(&self.0, "ada")
    }

    fn file(&self) -> PathBuf {
        let files = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|end| end == "outbox")).min().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a server handled: whose number, under which key, and whether it may have been handled before.
type Log = Arc<Mutex<Vec<((String, u64), String, bool)>>>;

fn server(log: &Log) -> Server {
    let log = Arc::clone(log);
    let router = Router::new().on("test/say", move |attempt: Attempt, Data(said): Data<(String, u64)>| {
        let key = attempt.key().unwrap_or_default().to_owned();
        log.lock().push((said, key, attempt.may_be_repeated()));
        async {}
    });
    let identify = |request: &tsugi::ConnectRequest| {
        let user = request.headers().get("x-user").and_then(|user| user.to_str().ok());
        Ok(user.map_or_else(Identity::anonymous, Identity::user))
    };
    Server::builder().identify(identify).router(router).build().unwrap()
}

fn numbers(log: &Log, tag: &str) -> Vec<u64> {
    log.lock().iter().filter(|((of, _), ..)| of == tag).map(|((_, n), ..)| *n).collect()
}

// Processes that are killed.

/// What [`child`] is told by its parent.
const ADDRESS: &str = "TSUGI_TEST_ADDRESS";
const PLACE: &str = "TSUGI_TEST_PLACE";
const TAG: &str = "TSUGI_TEST_TAG";
const FROM: &str = "TSUGI_TEST_FROM";
const UNTIL: &str = "TSUGI_TEST_UNTIL";

/// Says one number after another until it has said them all and they are handled, or until it is killed.
#[tokio::test]
#[ignore = "a process that other tests start"]
async fn child() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let told = |name: &str| std::env::var(name).unwrap();
    let number = |name: &str| told(name).parse::<u64>().unwrap();
    let client = ada().outbox(Persistent::of_user(told(PLACE), "ada")).connect(&url(address.parse().unwrap())).unwrap();
    let restored = client.restored();
    let of_before = restored.iter().map(|restored| {
        let data = restored.event.data.clone().unwrap();
        tsugi_client::from_value::<(String, u64)>(data).unwrap().1
    });
    let first = of_before.map(|n| n + 1).chain([number(FROM)]).max().unwrap();
    let mut under_way: Vec<Delivery> = restored.into_iter().map(|restored| restored.delivery).collect();
    for n in first..=number(UNTIL) {
        under_way.push(client.send("test/say", &(told(TAG), n)).unwrap());
        println!("\nsaid {n}");
        if under_way.len() > 100 {
            in_time(under_way.remove(0).settled()).await.unwrap();
        }
    }
    for delivery in under_way {
        in_time(delivery.settled()).await.unwrap();
    }
}

struct Says {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Says {
    fn start(address: std::net::SocketAddr, place: &Path, tag: &str, from: u64, until: u64) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["outbox::child", "--exact", "--ignored", "--nocapture"]).stdout(Stdio::piped());
        command.env(ADDRESS, address.to_string()).env(PLACE, place).env(TAG, tag);
        let mut child = command.env(FROM, from.to_string()).env(UNTIL, until.to_string()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits until it has said so many, and kills it. Returns the last number it is known to have said.
    fn kill_after(mut self, count: usize) -> u64 {
        let numbers =
            self.lines.by_ref().map_while(Result::ok).filter_map(|line| line.strip_prefix("said ")?.parse().ok());
        let last = numbers.take(count).last().unwrap_or(0);
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        last
    }

    fn finish(mut self) {
        self.lines.by_ref().for_each(drop);
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn a_process_that_is_killed_again_and_again_has_each_event_handled_once_and_in_order() {
    let (place, log) = (Place::new("killed"), Log::default());
    let server = Mortal::start("127.0.0.1:0", || server(&log));
    let mut from = 1;
    for count in [1, 3, 40, 150, 7, 90] {
        let said = Says::start(server.address(), &place.0, "a", from, 5_000).kill_after(count);
        from = numbers(&log, "a").last().copied().unwrap_or(0).max(said) + 1;
    }
    let end = from + 300;
    Says::start(server.address(), &place.0, "a", from, end).finish();
    assert_eq!(numbers(&log, "a"), (1..=end).collect::<Vec<_>>());
}

#[test]
fn when_the_server_dies_too_each_event_is_handled_in_order_and_those_that_come_twice_say_so() {
    let (place, log) = (Place::new("both"), Log::default());
    let mut server_now = Mortal::start("127.0.0.1:0", || server(&log));
    let address = server_now.address();
    let mut from = 1;
    for count in [30, 120, 5] {
        let said = Says::start(address, &place.0, "a", from, 5_000).kill_after(count);
        server_now.kill();
        server_now = Mortal::start(&address.to_string(), || server(&log));
        from = numbers(&log, "a").last().copied().unwrap_or(0).max(said) + 1;
    }
    let end = from + 300;
    Says::start(address, &place.0, "a", from, end).finish();
    let mut keys: BTreeMap<u64, String> = BTreeMap::new();
    for ((_, n), key, may_be_repeated) in log.lock().iter() {
        let came_before = keys.get(n);
        assert!(came_before.is_none_or(|before| before == key && *may_be_repeated), "{n}");
        assert!(came_before.is_some() || keys.last_key_value().is_none_or(|(last, _)| last + 1 == *n), "{n}");
        keys.insert(*n, key.clone());
    }
    assert_eq!(keys.len() as u64, end);
}

#[test]
fn two_processes_at_once_disturb_each_other_in_nothing() {
    let (place, log) = (Place::new("two"), Log::default());
    let server = Mortal::start("127.0.0.1:0", || server(&log));
    let start = |tag| Says::start(server.address(), &place.0, tag, 1, 300);
    let (a, b) = (start("a"), start("b"));
    a.finish();
    b.finish();
    for tag in ["a", "b"] {
        assert_eq!(numbers(&log, tag), (1..=300).collect::<Vec<_>>());
    }
}

// Clients of this process, some of which end as if it had been killed.

/// What is said to nobody, by a client whose driver never ran.
fn left_behind(outbox: Persistent, url: &str, act: impl FnOnce(&Client) + Send) {
    let leave = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _guard = runtime.enter();
        act(&ada().outbox(outbox).connect(url).unwrap());
    };
    std::thread::scope(|scope| scope.spawn(leave).join().unwrap());
}

fn say(client: &Client, n: u64) -> Delivery {
    client.send("test/say", &("a", n)).unwrap()
}

#[tokio::test]
async fn what_was_left_is_restored_with_its_deadline_and_its_reply_and_what_is_not_kept_is_not() {
    let place = Place::new("restored");
    let server = builder().build().unwrap();
    let url = serve_events(&server).await;
    let outbox = || place.of_ada().keep(|id, _| id.as_str() != "test/note");
    left_behind(outbox(), &url, |client| {
        client.send("test/note", &1).unwrap();
        client.send_event(&Event::new("test/echo", &2).unwrap(), Duration::ZERO).unwrap();
        let mut asked = Box::pin(client.request::<i64>("test/echo", &3));
        let poll = asked.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        assert!(poll.is_pending());
    });
    let client = ada().outbox(outbox()).connect(&url).unwrap();
    let restored = client.restored();
    assert_eq!(restored.iter().map(|it| it.kind).collect::<Vec<_>>(), [Kind::Event, Kind::Request]);
    assert_eq!(in_time(restored[0].delivery.settled()).await, Err(Unanswered::Timeout));
    assert_eq!(in_time(restored[1].delivery.reply()).await, Ok(tsugi::Value::Integer(3)));
    assert!(client.restored().is_empty());
    drop(client);
    assert!(ada().outbox(outbox()).connect(&url).unwrap().restored().is_empty());
}

#[tokio::test]
async fn what_ada_said_is_not_said_as_bob_and_waits_for_ada() {
    let (place, log) = (Place::new("other"), Log::default());
    let url = serve_events(&server(&log)).await;
    left_behind(place.of_ada(), &url, |client| {
        say(client, 1);
    });
    let problems = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&problems);
    let outbox = place.of_ada().on_problem(move |problem| told.lock().push(problem.to_string()));
    let bob = Client::builder().header("x-user", "bob").outbox(outbox).connect(&url).unwrap();
    let restored = bob.restored();
    assert_eq!(in_time(restored[0].delivery.settled()).await, Err(Unanswered::OtherUser));
    ready(&bob).await;
    in_time(say(&bob, 7).settled()).await.unwrap();
    assert_eq!(*problems.lock(), [OutboxError::OtherUser.to_string()]);
    drop(bob);
    let of_bob = Persistent::of_user(&place.0, "bob");
    let bob = Client::builder().header("x-user", "bob").outbox(of_bob).connect(&url).unwrap();
    assert!(bob.restored().is_empty());
    let ada = ada().outbox(place.of_ada()).connect(&url).unwrap();
    in_time(ada.restored()[0].delivery.settled()).await.unwrap();
    assert_eq!(numbers(&log, "a"), [7, 1]);
}

#[tokio::test]
async fn another_endpoint_has_another_outbox() {
    let place = Place::new("endpoint");
    let url = serve_events(&builder().build().unwrap()).await;
    left_behind(place.of_ada(), &url, |client| {
        say(client, 1);
    });
    let other = format!("{url}?room=1");
    assert!(ada().outbox(place.of_ada()).connect(&other).unwrap().restored().is_empty());
    assert!(ada().param("room", "1").outbox(place.of_ada()).connect(&url).unwrap().restored().is_empty());
    assert_eq!(ada().outbox(place.of_ada()).connect(&url).unwrap().restored().len(), 1);
}

#[tokio::test]
async fn a_torn_tail_is_told_and_the_rest_is_handled() {
    let (place, log) = (Place::new("torn"), Log::default());
    let url = serve_events(&server(&log)).await;
    left_behind(place.of_ada(), &url, |client| (1..=3).for_each(|n| drop(say(client, n))));
    let file = std::fs::read(place.file()).unwrap();
    std::fs::write(place.file(), &file[..file.len() - 5]).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let outbox = place.of_ada().on_problem(move |problem| tell.send(problem.to_string()).unwrap());
    let client = ada().outbox(outbox).connect(&url).unwrap();
    for restored in client.restored() {
        in_time(restored.delivery.settled()).await.unwrap();
    }
    in_time(say(&client, 4).settled()).await.unwrap();
    assert_eq!(numbers(&log, "a"), [1, 2, 4]);
    assert!(told.try_iter().any(|problem| problem.contains("which cannot be read")));
}

#[tokio::test]
async fn what_was_closed_on_waits_for_a_reconnect_and_is_handled_once() {
    let (place, log) = (Place::new("closed"), Log::default());
    let server = server(&log);
    let url = serve_events(&server).await;
    let client = ada().outbox(place.of_ada()).connect(&url).unwrap();
    // Nothing can have been sent yet: the driver has not run.
    let said = say(&client, 1);
    client.close(&Close::because(CloseCode::NORMAL, "enough"));
    assert_eq!(in_time(said.settled()).await, Err(Unanswered::Closed));
    assert!(matches!(client.send("test/say", &1), Err(SendError::Unsent(Unsent::Disconnected))));
    client.reconnect();
    let restored = client.restored();
    assert_eq!(restored.len(), 1);
    in_time(restored[0].delivery.settled()).await.unwrap();
    in_time(say(&client, 2).settled()).await.unwrap();

    server.close(&tsugi::UserId::from("ada"), CloseCode::app(4500), "signed out").await.unwrap();
    until(&client, |state| matches!(state, State::Closed(_))).await;
    // Somebody else may have it meanwhile, and then this client goes on without.
    let next = ada().outbox(place.of_ada()).connect(&url).unwrap();
    assert!(next.restored().is_empty());
    client.reconnect();
    in_time(say(&client, 3).settled()).await.unwrap();
    in_time(say(&next, 4).settled()).await.unwrap();
    assert_eq!(numbers(&log, "a"), [1, 2, 3, 4]);
}
