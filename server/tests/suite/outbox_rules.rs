//! Nothing lost, nothing twice, upstream: each item of a client's outbox is handled once, however often and by whatever
//! connection or session it comes, and its reply finds the client (docs/wire.md, "The outbox").

use crate::support::{Answer, Client, builder, eventually, request, serve_events};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tsugi::{Attempt, Data, Handler, Limits, NoReply, Responder, Router, Server, State, Times};

const NAME: &str = "00112233445566778899aabbccddeeff";

fn path(user: &str) -> String {
    format!("/chsk?client-id=a&uid={user}&tsugi=1&codec=json")
}

/// What was handled, and what `test/wait` waits for.
#[derive(Clone)]
struct App {
    handled: Arc<Mutex<Vec<i64>>>,
    attempts: Arc<Mutex<Vec<Attempt>>>,
    gate: Arc<Semaphore>,
}

impl App {
    fn new() -> Self {
        Self { handled: Arc::default(), attempts: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    fn handled(&self) -> Vec<i64> {
        self.handled.lock().clone()
    }

    fn open_gate(&self, times: usize) {
        self.gate.add_permits(times);
    }
}

async fn note(State(app): State<App>, attempt: Attempt, Data(number): Data<i64>) -> Data<i64> {
    app.attempts.lock().push(attempt);
    app.handled.lock().push(number);
    Data(number)
}

/// Begins at once, and ends when the test says so.
async fn wait(State(app): State<App>, Data(number): Data<i64>) -> Data<i64> {
    app.handled.lock().push(number);
    app.gate.acquire().await.expect("never closed").forget();
    app.handled.lock().push(-number);
    Data(number)
}

/// Answers when the test says so, and lets the client's next event be handled meanwhile.
async fn answer_later(State(app): State<App>, Data(number): Data<i64>, responder: Responder) -> NoReply {
    tokio::spawn(async move {
        app.gate.acquire().await.expect("never closed").forget();
        let _ = responder.reply(Data(number));
    });
    NoReply
}

async fn start(times: Times) -> (SocketAddr, App, Server) {
    let app = App::new();
    let router = Router::new()
        .on("test/note", note)
        .on("test/wait", wait)
        .on("test/later", answer_later)
        .on("test/beside", wait.concurrent(4))
        .with_state(app.clone());
    let server = builder().router(router).times(times).build().unwrap();
    (serve_events(&server).await, app, server)
}

async fn greeted_as(user: &str, address: SocketAddr, hello: &str) -> (Client, String) {
    let mut client = Client::connect(address, &path(user)).await;
    client.text().await;
    client.send(&format!("[[\"chsk/hello\",{hello}],null]")).await;
    let welcome = client.text().await;
    (client, welcome)
}

/// A WebSocket that has said hello with its outbox, and the answer to it.
async fn greeted(address: SocketAddr, session: Option<&str>) -> (Client, String) {
    let session = session.map(|session| format!("\"session\":\"{session}\",")).unwrap_or_default();
    greeted_as("ann", address, &format!("{{{session}\"received\":0,\"outbox\":\"{NAME}\"}}")).await
}

fn session_of(welcome: &str) -> String {
    let start = welcome.find("\"session\":\"").expect("a session") + 11;
    welcome[start..start + 48].to_owned()
}

async fn post(address: SocketAddr, session: &str, body: &str) -> Answer {
    let headers = format!("Content-Type: application/json\r\nTsugi-Session: {session}\r\n");
    request(address, "POST", &path("ann"), &headers, body).await
}

#[tokio::test]
async fn an_item_that_comes_again_in_its_session_is_handled_once() {
    let (address, app, server) = start(Times::default()).await;
    let (mut client, welcome) = greeted(address, None).await;
    assert!(welcome.contains("\"taken\":0,\"handled\":0"), "{welcome}");
    client.send("[[\"test/note\",10],1]").await;
    assert_eq!(client.text().await, "[10,1]");
    drop(client);
    let (mut client, welcome) = greeted(address, Some(&session_of(&welcome))).await;
    assert!(welcome.contains("\"taken\":1,\"handled\":1"), "{welcome}");
    assert_eq!(client.text().await, "[10,1]", "not acknowledged, so it comes again");
    client.send("[[\"test/note\",10],1]").await;
    client.send("[[\"test/note\",20],2]").await;
    assert_eq!(client.text().await, "[20,2]");
    assert_eq!(app.handled(), [10, 20]);
    assert_eq!(server.metrics().duplicates, 1);
}

#[tokio::test]
async fn numbers_may_skip_what_was_taken_back() {
    let (address, app, _) = start(Times::default()).await;
    let (mut client, _) = greeted(address, None).await;
    for number in [1, 5, 4, 6] {
        client.send(&format!("[[\"test/note\",{number}],{number}]")).await;
    }
    for number in [1, 5, 6] {
        assert_eq!(client.text().await, format!("[{number},{number}]"));
    }
    assert_eq!(app.handled(), [1, 5, 6], "what is not above the last one came before");
}

#[tokio::test]
async fn an_event_is_told_to_be_handled_and_not_before_it_is() {
    let (address, app, _) = start(Times::default()).await;
    let (mut client, _) = greeted(address, None).await;
    client.send("[[\"test/note\",1],-1]").await;
    assert_eq!(client.text().await, "[null,-1]");
    client.send("[[\"test/wait\",2],-2]").await;
    client.send("[[\"test/note\",3],-3]").await;
    eventually(|| app.handled() == [1, 2]).await;
    app.open_gate(1);
    assert_eq!(client.text().await, "[null,-3]");
    assert_eq!(app.handled(), [1, 2, -2, 3]);
}

#[tokio::test]
async fn an_event_behind_a_request_that_is_answered_late_is_told_once_that_is() {
    let (address, app, _) = start(Times::default()).await;
    let (mut client, _) = greeted(address, None).await;
    client.send("[[\"test/later\",1],1]").await;
    client.send("[[\"test/note\",2],-2]").await;
    client.send("[[\"test/note\",3],3]").await;
    assert_eq!(client.text().await, "[3,3]", "and nothing is told of the event before it");
    app.open_gate(1);
    assert_eq!(client.text().await, "[1,1]");
    assert_eq!(client.text().await, "[null,-3]");
}

#[tokio::test]
async fn that_an_event_was_handled_is_told_again_until_it_arrives() {
    let (address, _, _) = start(Times::default()).await;
    let (mut client, welcome) = greeted(address, None).await;
    client.send("[[\"test/note\",1],-1]").await;
    assert_eq!(client.text().await, "[null,-1]");
    drop(client);
    let (mut client, welcome) = greeted(address, Some(&session_of(&welcome))).await;
    assert!(welcome.contains("\"next\":1"), "an item like every answer: {welcome}");
    assert_eq!(client.text().await, "[null,-1]");
}

#[tokio::test]
async fn what_ends_after_its_session_gave_way_is_told_in_the_next() {
    let (address, app, _) = start(Times::default()).await;
    let (mut before, _) = greeted(address, None).await;
    before.send("[[\"test/wait\",1],-1]").await;
    eventually(|| app.handled() == [1]).await;
    let (mut client, welcome) = greeted(address, None).await;
    assert!(welcome.contains("\"taken\":1,\"handled\":0"), "{welcome}");
    app.open_gate(1);
    assert_eq!(client.text().await, "[null,-1]");
}

#[tokio::test]
async fn what_a_session_still_had_to_handle_when_it_gave_way_is_left_to_the_next() {
    let (address, app, server) = start(Times::default()).await;
    let (before, welcome) = greeted(address, None).await;
    let items = "[[\"test/wait\",1],-1]\n[[\"test/note\",2],-2]\n[[\"test/note\",3],-3]";
    post(address, &session_of(&welcome), items).await;
    eventually(|| app.handled() == [1]).await;
    let (mut client, welcome) = greeted(address, None).await;
    assert!(welcome.contains("\"taken\":1,\"handled\":0"), "{welcome}");
    for number in [2, 3, 4] {
        client.send(&format!("[[\"test/note\",{number}],{number}]")).await;
    }
    app.open_gate(1);
    for number in [2, 3, 4] {
        eventually(|| app.handled().contains(&number)).await;
    }
    assert_eq!(app.handled(), [1, -1, 2, 3, 4]);
    assert_eq!(server.metrics().duplicates, 0, "the session before took none of them");
    drop(before);
}

#[tokio::test]
async fn an_outbox_whose_sessions_come_and_go_is_not_forgotten() {
    let times = Times::default().expire(Duration::ZERO).grace_websocket(Duration::ZERO);
    let (address, app, server) = start(times).await;
    let (mut client, _) = greeted(address, None).await;
    client.send("[[\"test/note\",10],1]").await;
    client.text().await;
    // More often than there may be outboxes of one user without a session.
    for _ in 0..70 {
        drop(client);
        eventually(|| server.metrics().sessions == 0).await;
        let welcome;
        (client, welcome) = greeted(address, None).await;
        assert!(welcome.contains("\"taken\":1,\"handled\":1"), "{welcome}");
    }
    assert_eq!(app.handled(), [10]);
}

#[tokio::test]
async fn a_concurrent_event_is_told_when_it_ends_and_all_before_it_have() {
    let (address, app, _) = start(Times::default()).await;
    let (mut client, _) = greeted(address, None).await;
    client.send("[[\"test/beside\",1],-1]").await;
    client.send("[[\"test/note\",2],2]").await;
    assert_eq!(client.text().await, "[2,2]");
    eventually(|| app.handled().len() == 2).await;
    let (_, welcome) = greeted(address, None).await;
    assert!(welcome.contains("\"taken\":2,\"handled\":0"), "the first still runs: {welcome}");
    app.open_gate(1);
    eventually(|| app.handled().contains(&-1)).await;
}

#[tokio::test]
async fn a_reply_that_was_sent_and_lost_comes_in_the_next_session() {
    let (address, app, _) = start(Times::default()).await;
    let (mut client, _) = greeted(address, None).await;
    client.send("[[\"test/note\",10],1]").await;
    eventually(|| app.handled() == [10]).await;
    drop(client);
    // As after a reload: the session is not known any more, the outbox is.
    let (mut client, welcome) = greeted(address, None).await;
    assert!(welcome.contains("\"outcome\":\"new\"") && welcome.contains("\"taken\":1,\"handled\":1"), "{welcome}");
    assert_eq!(client.text().await, "[10,1]");
}

#[tokio::test]
async fn a_client_learns_that_the_reply_it_waits_for_came_to_a_session_before() {
    let (address, app, _) = start(Times::default()).await;
    let (mut client, _) = greeted(address, None).await;
    client.send("[[\"test/note\",10],1]").await;
    assert_eq!(client.text().await, "[10,1]");
    client.send("[[\"chsk/ack\",1],null]").await;
    client.send("[[\"test/note\",20],2]").await;
    assert_eq!(client.text().await, "[20,2]");
    drop(client);
    let (mut client, welcome) = greeted(address, None).await;
    assert!(welcome.contains("\"taken\":2,\"handled\":2"), "{welcome}");
    assert_eq!(client.text().await, "[20,2]", "not acknowledged");
    assert_eq!(client.text().await, "[null,-2]", "and that is all there is");
    assert_eq!(app.handled(), [10, 20]);
}

#[tokio::test]
async fn a_reply_that_was_lost_behind_what_still_runs_is_said_to_be_once_that_is_answered() {
    let (address, app, _) = start(Times::default()).await;
    let (mut client, _) = greeted(address, None).await;
    client.send("[[\"test/later\",1],1]").await;
    client.send("[[\"test/note\",20],2]").await;
    assert_eq!(client.text().await, "[20,2]");
    client.send("[[\"chsk/ack\",1],null]").await;
    client.send("[[\"test/note\",30],3]").await;
    assert_eq!(client.text().await, "[30,3]");
    let (mut client, welcome) = greeted(address, None).await;
    assert!(welcome.contains("\"taken\":3,\"handled\":0"), "{welcome}");
    assert_eq!(client.text().await, "[30,3]");
    app.open_gate(1);
    assert_eq!(client.text().await, "[1,1]");
    assert_eq!(client.text().await, "[null,-3]");
}

#[tokio::test]
async fn that_there_are_no_more_replies_is_not_said_of_one_that_is_still_to_come() {
    let (address, app, _) = start(Times::default()).await;
    let (mut client, _) = greeted(address, None).await;
    client.send("[[\"test/note\",10],1]").await;
    assert_eq!(client.text().await, "[10,1]");
    client.send("[[\"test/wait\",2],2]").await;
    eventually(|| app.handled() == [10, 2]).await;
    let (mut client, welcome) = greeted(address, None).await;
    assert!(welcome.contains("\"taken\":2,\"handled\":1"), "{welcome}");
    assert_eq!(client.text().await, "[10,1]");
    assert_eq!(client.text().await, "[null,-1]");
    app.open_gate(1);
    assert_eq!(client.text().await, "[2,2]");
}

#[tokio::test]
async fn a_reply_that_comes_after_its_session_ended_comes_in_the_next() {
    let (address, app, _) = start(Times::default()).await;
    let (mut client, _) = greeted(address, None).await;
    client.send("[[\"test/wait\",1],1]").await;
    eventually(|| app.handled() == [1]).await;
    drop(client);
    let (mut client, welcome) = greeted(address, None).await;
    assert!(welcome.contains("\"taken\":1,\"handled\":0"), "{welcome}");
    client.send("[[\"test/wait\",1],1]").await;
    client.send("[[\"test/note\",2],2]").await;
    app.open_gate(1);
    assert_eq!(client.text().await, "[1,1]", "a resend joins the handler that runs");
    assert_eq!(client.text().await, "[null,-1]", "of what an earlier session brought, this was the last");
    assert_eq!(client.text().await, "[2,2]");
    assert_eq!(app.handled(), [1, -1, 2], "in order, though two sessions brought them");
}

#[tokio::test]
async fn an_outbox_has_one_session_at_a_time() {
    let (address, _, _) = start(Times::default()).await;
    let (mut first, _) = greeted(address, None).await;
    first.send("[[\"test/note\",1],1]").await;
    assert_eq!(first.text().await, "[1,1]");
    let (mut second, _) = greeted(address, None).await;
    assert_eq!(first.close().await.0, 3500);
    assert_eq!(second.text().await, "[1,1]");
    assert_eq!(second.text().await, "[null,-1]", "what has not come by now will not");
    second.send("[[\"test/note\",2],2]").await;
    assert_eq!(second.text().await, "[2,2]");
}

#[tokio::test]
async fn a_session_that_goes_on_with_another_outbox_answers_nothing_of_the_one_before() {
    let (address, app, _) = start(Times::default()).await;
    let (mut client, welcome) = greeted(address, None).await;
    client.send("[[\"test/later\",1],1]").await;
    client.send("[[\"test/note\",20],2]").await;
    assert_eq!(client.text().await, "[20,2]");
    client.send("[[\"test/note\",30],-3]").await;
    eventually(|| app.handled() == [20, 30]).await;
    // As a tab does that has nothing under way any more, and takes over what a closed one left.
    let (session, other) = (session_of(&welcome), "f".repeat(32));
    let hello = format!("{{\"session\":\"{session}\",\"received\":0,\"outbox\":\"{other}\",\"attempt\":9}}");
    let (mut client, welcome) = greeted_as("ann", address, &hello).await;
    assert!(welcome.contains("\"outcome\":\"resumed\",\"next\":1,\"taken\":0"), "{welcome}");
    assert_eq!(client.text().await, "[null,0]", "in the place of the reply, and counted like it");
    app.open_gate(1);
    client.send("[[\"test/note\",40],2]").await;
    assert_eq!(client.text().await, "[40,2]", "the other's item of that number, and no late answer of the one before");
    let (mut client, welcome) = greeted(address, None).await;
    assert!(welcome.contains("\"taken\":3,\"handled\":3"), "{welcome}");
    assert_eq!(client.text().await, "[1,1]", "which is kept with that");
    assert_eq!(client.text().await, "[null,-3]");
}

#[tokio::test]
async fn another_users_outbox_of_the_same_name_is_another_one() {
    let (address, app, _) = start(Times::default()).await;
    let (mut ann, _) = greeted(address, None).await;
    ann.send("[[\"test/note\",1],1]").await;
    assert_eq!(ann.text().await, "[1,1]");
    let hello = format!("{{\"received\":0,\"outbox\":\"{NAME}\"}}");
    let (mut bob, welcome) = greeted_as("bob", address, &hello).await;
    assert!(welcome.contains("\"taken\":0"), "bob learns nothing: {welcome}");
    bob.send("[[\"test/note\",7],1]").await;
    assert_eq!(bob.text().await, "[7,1]");
    ann.send("[[\"test/note\",2],2]").await;
    assert_eq!(ann.text().await, "[2,2]", "ann is undisturbed");
    assert_eq!(app.handled(), [1, 7, 2]);
}

#[tokio::test]
async fn a_hello_that_was_overtaken_takes_nothing_from_the_later_one() {
    let (address, _, _) = start(Times::default()).await;
    let hello = |attempt: u64| format!("{{\"received\":0,\"outbox\":\"{NAME}\",\"attempt\":{attempt}}}");
    let (mut client, welcome) = greeted_as("ann", address, &hello(2)).await;
    client.send("[[\"test/note\",1],1]").await;
    assert_eq!(client.text().await, "[1,1]");
    // One that was posted before, and one that names the session.
    let late = format!("[[\"chsk/hello\",{}],null]", hello(1));
    assert_eq!(post(address, "", &late).await.status, 409);
    let session = session_of(&welcome);
    let named = format!("[[\"chsk/hello\",{{\"session\":\"{session}\",{}],null]", &hello(2)[1..]);
    assert_eq!(post(address, "", &named).await.status, 409, "the same one twice");
    let mut late = Client::connect(address, &path("ann")).await;
    late.text().await;
    late.send(&format!("[[\"chsk/hello\",{}],null]", hello(1))).await;
    assert_eq!(late.close().await.0, 3003);
    client.send("[[\"test/note\",2],2]").await;
    assert_eq!(client.text().await, "[2,2]", "undisturbed");
    let (_, welcome) = greeted_as("ann", address, &hello(3)).await;
    assert!(welcome.contains("\"taken\":2"), "{welcome}");
}

#[tokio::test]
async fn a_name_that_is_none_is_no_hello() {
    let (address, _, _) = start(Times::default()).await;
    for name in ["", "short", &NAME.to_uppercase(), &format!("{NAME}0")] {
        let mut client = Client::connect(address, &path("ann")).await;
        client.text().await;
        client.send(&format!("[[\"chsk/hello\",{{\"received\":0,\"outbox\":\"{name}\"}}],null]")).await;
        assert_eq!(client.close().await.0, 3003, "{name}");
    }
}

#[tokio::test]
async fn a_post_that_comes_twice_is_handled_once() {
    let (address, app, server) = start(Times::default()).await;
    let hello = format!("[[\"chsk/hello\",{{\"received\":0,\"outbox\":\"{NAME}\"}}],null]");
    let session = session_of(&post(address, "", &hello).await.body);
    for _ in 0..2 {
        let body = "[[\"test/note\",1],-1]\n[[\"test/note\",2],-2]";
        assert_eq!(post(address, &session, body).await.status, 200);
    }
    assert_eq!(post(address, &session, "[[\"test/note\",3],-3]").await.status, 200);
    eventually(|| app.handled() == [1, 2, 3]).await;
    assert_eq!(server.metrics().duplicates, 2);
}

#[tokio::test]
async fn what_an_earlier_run_may_have_handled_is_said_to_be_an_attempt_of_the_same_key() {
    let keys = |app: &App| app.attempts.lock().iter().map(|it| it.key().map(str::to_owned)).collect::<Vec<_>>();
    let (address, before, _) = start(Times::default()).await;
    let (mut client, _) = greeted(address, None).await;
    client.send("[[\"test/note\",1],1]").await;
    client.text().await;
    // Another server that knows nothing: as after a restart.
    let (address, after, _) = start(Times::default()).await;
    let hello = format!("{{\"received\":0,\"outbox\":\"{NAME}\",\"sent\":1}}");
    let (mut client, welcome) = greeted_as("ann", address, &hello).await;
    assert!(welcome.contains("\"taken\":0"), "{welcome}");
    for number in 1..=2 {
        client.send(&format!("[[\"test/note\",{number}],{number}]")).await;
        client.text().await;
    }
    assert_eq!(keys(&before)[0], keys(&after)[0]);
    assert_ne!(keys(&after)[0], keys(&after)[1]);
    assert!(keys(&after)[0].as_ref().is_some_and(|key| key.len() == 40 && !key.contains(NAME)));
    let again: Vec<_> = after.attempts.lock().iter().map(Attempt::may_be_repeated).collect();
    assert_eq!(again, [true, false]);
    assert!(!before.attempts.lock()[0].may_be_repeated());
}

#[tokio::test]
async fn an_outbox_without_a_session_is_forgotten_after_its_time() {
    let times = Times::default().outbox(Duration::ZERO).expire(Duration::ZERO).grace_websocket(Duration::ZERO);
    let (address, app, server) = start(times).await;
    let (mut client, _) = greeted(address, None).await;
    client.send("[[\"test/note\",1],1]").await;
    client.text().await;
    drop(client);
    eventually(|| server.metrics().sessions == 0).await;
    // Whoever leaves an outbox sweeps.
    let hello = "{\"received\":0,\"outbox\":\"ffffffffffffffffffffffffffffffff\"}";
    let (mut other, _) = greeted_as("bob", address, hello).await;
    other.send("[[\"test/note\",2],1]").await;
    other.text().await;
    drop(other);
    eventually(|| server.metrics().sessions == 0).await;
    let (mut client, welcome) = greeted(address, None).await;
    assert!(welcome.contains("\"taken\":0"), "{welcome}");
    client.send("[[\"test/note\",1],1]").await;
    assert_eq!(client.text().await, "[1,1]");
    assert_eq!(app.handled(), [1, 2, 1]);
}

#[tokio::test]
async fn a_client_that_numbers_nothing_is_served_as_before() {
    let (address, app, _) = start(Times::default()).await;
    let (mut client, welcome) = greeted_as("ann", address, "{\"received\":0}").await;
    assert!(!welcome.contains("taken"), "{welcome}");
    for _ in 0..2 {
        client.send("[[\"test/note\",1],1]").await;
        assert_eq!(client.text().await, "[1,1]");
    }
    assert_eq!(app.handled(), [1, 1]);
    assert_eq!(app.attempts.lock()[0].key(), None);
}

/// A client whose inbox is full: one item is being handled, and as many wait as may.
async fn full(limits: Limits) -> (SocketAddr, App, String) {
    let app = App::new();
    let router = Router::new().on("test/note", note).on("test/wait", wait).with_state(app.clone());
    let server = builder().router(router).limits(limits).build().unwrap();
    let address = serve_events(&server).await;
    let (_, welcome) = greeted(address, None).await;
    let session = session_of(&welcome);
    let items = "[[\"test/wait\",1],-1]\n[[\"test/note\",2],-2]\n[[\"test/note\",3],-3]";
    assert_eq!(post(address, &session, items).await.status, 200);
    eventually(|| app.handled() == [1]).await;
    (address, app, session)
}

#[tokio::test]
async fn a_post_waits_while_the_inbox_is_full() {
    let (address, app, session) = full(Limits::default().max_inbox(2)).await;
    let late = tokio::spawn(async move { post(address, &session, "[[\"test/note\",4],-4]").await.status });
    // Whatever comes after it on this server is answered before.
    request(address, "GET", &path("bob"), "", "").await;
    assert!(!late.is_finished());
    app.open_gate(1);
    assert_eq!(late.await.unwrap(), 200);
    eventually(|| app.handled() == [1, -1, 2, 3, 4]).await;
}

// The clock jumps to the next timer whenever nothing is on its way.
#[tokio::test(start_paused = true)]
async fn a_post_for_which_no_room_comes_is_refused_for_now() {
    let (address, app, session) = full(Limits::default().max_inbox(2)).await;
    let refused = post(address, &session, "[[\"test/note\",4],-4]").await;
    assert_eq!(refused.status, 503);
    assert_eq!(app.handled(), [1]);
    app.open_gate(1);
    eventually(|| app.handled() == [1, -1, 2, 3]).await;
    assert_eq!(post(address, &session, "[[\"test/note\",4],-4]").await.status, 200);
}
