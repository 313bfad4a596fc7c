//! Who may have a session back and who may not, and resuming at the worst of moments (docs/wire.md, "Counts"). Whoever names
//! a session that is not theirs is refused and counted, and its owner notices nothing.

use crate::support::{Answer, Client, builder, eventually, request, serve_events, soon};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tsugi::{Data, Event, Metrics, Origins, Router, Server, State, Times, UserId};
use tsugi_proto::websocket::Incoming;

const OUTBOX: &str = "00112233445566778899aabbccddeeff";
const ANN: &str = "/chsk?client-id=a&uid=ann&tsugi=1&codec=json";

/// Whoever is not Ann with her client id and her codec.
const OTHERS: [&str; 4] = [
    "/chsk?client-id=a&uid=bob&tsugi=1&codec=json",
    "/chsk?client-id=a&tsugi=1&codec=json",
    "/chsk?client-id=b&uid=ann&tsugi=1&codec=json",
    "/chsk?client-id=a&uid=ann&tsugi=1&codec=edn",
];

fn hello_of(path: &str, session: Option<&str>, received: u64, outbox: Option<&str>) -> String {
    let named = |key: &str, value: Option<&str>| match (path.contains("edn"), value) {
        (_, None) => String::new(),
        (true, Some(value)) => format!(":{key} \"{value}\" "),
        (false, Some(value)) => format!("\"{key}\":\"{value}\","),
    };
    let (session, outbox) = (named("session", session), named("outbox", outbox));
    if path.contains("edn") {
        format!("[[:chsk/hello {{{session}{outbox}:received {received}}}] nil]")
    } else {
        format!("[[\"chsk/hello\",{{{session}{outbox}\"received\":{received}}}],null]")
    }
}

/// A WebSocket that has said hello, and the server's answer to it.
async fn greeted(address: SocketAddr, path: &str, hello: &str) -> (Client, String) {
    let mut client = Client::connect(address, path).await;
    client.text().await;
    client.send(hello).await;
    let welcome = client.text().await;
    (client, welcome)
}

/// Ann, who has or has not been here before.
async fn ann(address: SocketAddr, session: Option<&str>, received: u64) -> (Client, String) {
    greeted(address, ANN, &hello_of(ANN, session, received, Some(OUTBOX))).await
}

async fn post(address: SocketAddr, path: &str, session: &str, body: &str) -> Answer {
    let kind = if path.contains("edn") { "application/edn" } else { "application/json" };
    let headers = format!("Content-Type: {kind}\r\nTsugi-Session: {session}\r\n");
    request(address, "POST", path, &headers, body).await
}

async fn poll(address: SocketAddr, path: &str, session: &str, ack: u64) -> Answer {
    let headers = format!("X-Requested-With: XMLHttpRequest\r\nTsugi-Session: {session}\r\n");
    request(address, "GET", &format!("{path}&ack={ack}"), &headers, "").await
}

fn session_of(welcome: &str) -> String {
    let start = welcome.find("session").expect("a session");
    let digits = welcome[start + 7..].trim_start_matches(|c: char| "\": ".contains(c));
    digits[..48].to_owned()
}

fn is_new(welcome: &str) -> bool {
    welcome.contains("\"outcome\":\"new\"") || welcome.contains(":outcome :new")
}

async fn push(server: &Server, number: i64) {
    server.push(&UserId::from("ann"), Event::new("srv/n", &number)).await.expect("pushed");
}

/// The server's next word to her is this event and nothing else.
async fn gets(client: &mut Client, number: i64) {
    assert_eq!(client.text().await, format!("[[[\"srv/n\",{number}]],null]"));
}

fn refused(server: &Server) -> (u64, u64) {
    let Metrics { resumes_refused, resumes_foreign, .. } = server.metrics();
    (resumes_refused, resumes_foreign)
}

async fn start() -> (Server, SocketAddr) {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    (server, address)
}

#[tokio::test]
async fn another_user_client_or_codec_does_not_get_the_session_on_a_websocket() {
    let (server, address) = start().await;
    let (mut owner, welcome) = ann(address, None, 0).await;
    let session = session_of(&welcome);
    for (n, path) in OTHERS.into_iter().enumerate() {
        let (thief, welcome) = greeted(address, path, &hello_of(path, Some(&session), 0, None)).await;
        assert!(is_new(&welcome) && session_of(&welcome) != session, "{path}: {welcome}");
        assert_eq!(refused(&server), (n as u64 + 1, n as u64 + 1), "{path}");
        drop(thief);
    }
    push(&server, 1).await;
    gets(&mut owner, 1).await;
    let hello = hello_of(ANN, Some(&session), 1, Some(OUTBOX));
    let (_, welcome) = greeted(address, ANN, &hello).await;
    assert!(welcome.contains("\"outcome\":\"resumed\""), "she can still have it back: {welcome}");
    assert_eq!(refused(&server), (4, 4));
}

#[tokio::test]
async fn another_user_client_or_codec_does_not_get_the_session_over_http() {
    let (server, address) = start().await;
    let (mut owner, welcome) = ann(address, None, 0).await;
    let session = session_of(&welcome);
    for path in OTHERS {
        let event = if path.contains("edn") { "[[:test/push 5] nil]" } else { "[[\"test/push\",5],null]" };
        assert_eq!(poll(address, path, &session, 0).await.status, 409, "{path}");
        assert_eq!(post(address, path, &session, event).await.status, 409, "{path}");
        let welcome = post(address, path, "", &hello_of(path, Some(&session), 0, None)).await.body;
        assert!(is_new(&welcome) && session_of(&welcome) != session, "{path}: {welcome}");
    }
    assert_eq!(refused(&server), (12, 12));
    push(&server, 1).await;
    gets(&mut owner, 1).await;
}

/// What the thief may learn: not whether a session lives, and nothing of its outbox.
#[tokio::test]
async fn a_session_of_another_looks_like_one_that_never_was() {
    let (_, address) = start().await;
    let (mut owner, welcome) = ann(address, None, 0).await;
    owner.send("[[\"test/echo\",1],1]").await;
    assert_eq!(owner.text().await, "[1,1]");
    let session = session_of(&welcome);
    let made_up = format!("{}{}", &session[..16], "0".repeat(32));
    let mut answers = Vec::new();
    for named in [&session, &made_up] {
        let (_, welcome) = greeted(address, OTHERS[0], &hello_of(OTHERS[0], Some(named), 0, Some(OUTBOX))).await;
        answers.push(welcome.replace(&session_of(&welcome), "…"));
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].contains("\"why\":\"expired\",\"taken\":0,\"handled\":0"), "{}", answers[0]);
    let [theirs, none] = [poll(address, OTHERS[0], &session, 0).await, poll(address, OTHERS[0], &made_up, 0).await];
    assert_eq!((theirs.status, &theirs.body), (none.status, &none.body));
}

#[tokio::test]
async fn another_origin_is_refused_and_counted_before_anybody_is_met() {
    let router = Router::new().on("test/echo", async |Data(value): Data<i64>| Data(value));
    let server = builder().router(router).origins(Origins::Same).build().unwrap();
    let address = serve_events(&server).await;
    let (mut owner, welcome) = ann(address, None, 0).await;
    let session = session_of(&welcome);
    let foreign = "Origin: https://evil.example\r\n";
    assert_eq!(Client::try_connect(address, ANN, foreign).await.err(), Some(403));
    let with_session = format!("{foreign}X-Requested-With: XMLHttpRequest\r\nTsugi-Session: {session}\r\n");
    for (method, body) in [("GET", ""), ("POST", "[[\"test/echo\",1],1]")] {
        assert_eq!(request(address, method, &format!("{ANN}&ack=0"), &with_session, body).await.status, 403);
    }
    let hello = hello_of(ANN, Some(&session), 0, Some(OUTBOX));
    assert_eq!(request(address, "POST", ANN, foreign, &hello).await.status, 403);
    assert_eq!(server.metrics().requests_refused, 4);
    push(&server, 1).await;
    gets(&mut owner, 1).await;
}

#[tokio::test]
async fn a_guessed_session_is_no_session() {
    let (server, address) = start().await;
    let (mut owner, welcome) = ann(address, None, 0).await;
    let session = session_of(&welcome);
    let flipped = if session.ends_with('0') { "1" } else { "0" };
    let near = format!("{}{flipped}", &session[..47]);
    let guesses = [near, "0".repeat(48), "f".repeat(48), "../../etc/passwd".to_owned(), format!("{session}0")];
    for (n, guess) in guesses.iter().enumerate() {
        let count = 3 * n as u64;
        assert_eq!(poll(address, ANN, guess, 0).await.status, 409, "{guess}");
        assert_eq!(post(address, ANN, guess, "[[\"test/push\",5],null]").await.status, 409, "{guess}");
        let path = OTHERS[2];
        let (_, welcome) = greeted(address, path, &hello_of(path, Some(guess), 0, None)).await;
        assert!(is_new(&welcome), "{guess}: {welcome}");
        assert_eq!(refused(&server), (count + 3, 0), "{guess}");
    }
    push(&server, 1).await;
    gets(&mut owner, 1).await;
}

#[tokio::test]
async fn a_stale_session_gives_a_new_one_that_says_why() {
    let short = Duration::from_millis(50);
    let times = Times::default().expire(short).grace_websocket(Duration::ZERO);
    let server = builder().times(times).build().unwrap();
    let address = serve_events(&server).await;
    let (client, welcome) = ann(address, None, 0).await;
    let stale = session_of(&welcome);
    drop(client);
    eventually(|| server.sessions() == 0).await;
    assert_eq!(poll(address, ANN, &stale, 0).await.status, 409);
    let (mut client, welcome) = ann(address, Some(&stale), 0).await;
    assert!(is_new(&welcome) && welcome.contains("\"why\":\"expired\""), "{welcome}");
    assert_eq!(refused(&server), (2, 0));
    // Asked for once more while its successor lives, which notices nothing.
    let (_, other) = greeted(address, OTHERS[2], &hello_of(OTHERS[2], Some(&stale), 0, None)).await;
    assert!(is_new(&other), "{other}");
    push(&server, 1).await;
    gets(&mut client, 1).await;
}

#[tokio::test]
async fn a_stolen_client_id_alone_opens_nothing() {
    let (server, address) = start().await;
    let (mut owner, welcome) = ann(address, None, 0).await;
    push(&server, 1).await;
    gets(&mut owner, 1).await;
    for path in [ANN, OTHERS[0], OTHERS[1]] {
        let (_, theirs) = greeted(address, path, &hello_of(path, None, 0, None)).await;
        assert!(is_new(&theirs) && theirs.contains("\"next\":1"), "{path}: {theirs}");
        assert_ne!(session_of(&theirs), session_of(&welcome));
        let greeted = poll(address, path, "", 0).await;
        assert_eq!(greeted.status, 409, "{path}: {greeted:?}");
    }
    // A plain Sente client of this name is yet another.
    let sente = Client::connect(address, "/chsk?client-id=a&uid=bob").await;
    drop(sente);
    push(&server, 2).await;
    gets(&mut owner, 2).await;
    let (mut owner, welcome) = ann(address, Some(&session_of(&welcome)), 1).await;
    assert!(welcome.contains("\"outcome\":\"resumed\""), "{welcome}");
    gets(&mut owner, 2).await;
}

#[tokio::test]
async fn a_foreign_outbox_is_not_met_and_its_owner_goes_on() {
    async fn note(State(handled): State<Arc<Mutex<Vec<i64>>>>, Data(number): Data<i64>) -> Data<i64> {
        handled.lock().push(number);
        Data(number)
    }
    let handled = Arc::<Mutex<Vec<i64>>>::default();
    let router = Router::new().on("test/note", note).with_state(Arc::clone(&handled));
    let server = builder().router(router).build().unwrap();
    let address = serve_events(&server).await;
    let (mut owner, welcome) = ann(address, None, 0).await;
    let session = session_of(&welcome);
    owner.send("[[\"test/note\",1],1]").await;
    assert_eq!(owner.text().await, "[1,1]");
    for path in [OTHERS[0], OTHERS[1], OTHERS[3]] {
        // With the session it is refused and counted, with the name alone it is an outbox of their own.
        for named in [Some(session.as_str()), None] {
            let (mut thief, welcome) = greeted(address, path, &hello_of(path, named, 0, Some(OUTBOX))).await;
            assert!(is_new(&welcome), "{path}: {welcome}");
            assert_ne!(session_of(&welcome), session);
            // Whoever could advance the count of her outbox would make her next items look like duplicates.
            let far = if path.contains("edn") { "[[:test/note 77] 900]" } else { "[[\"test/note\",77],900]" };
            thief.send(far).await;
            let reply = thief.text().await;
            assert!(reply.contains("900"), "{path}: {reply}");
        }
    }
    assert_eq!(refused(&server), (3, 3));
    owner.send("[[\"test/note\",2],2]").await;
    assert_eq!(owner.text().await, "[2,2]");
    let hers: Vec<i64> = handled.lock().iter().copied().filter(|number| *number < 77).collect();
    assert_eq!(hers, [1, 2]);
}

#[tokio::test]
async fn a_resume_before_the_server_noticed_the_drop_fences_the_old_connection() {
    let (server, address) = start().await;
    let (mut old, welcome) = ann(address, None, 0).await;
    let session = session_of(&welcome);
    push(&server, 1).await;
    gets(&mut old, 1).await;
    // Still open; as far as the server knows, all is well with it.
    let (mut new, welcome) = ann(address, Some(&session), 0).await;
    assert!(welcome.contains("\"outcome\":\"resumed\"") && welcome.contains("\"next\":1"), "{welcome}");
    gets(&mut new, 1).await;
    push(&server, 2).await;
    gets(&mut new, 2).await;
    assert_eq!(old.close().await.0, 3500);
    assert_eq!((server.sessions(), server.metrics().gaps), (1, 0));
}

#[tokio::test]
async fn what_comes_late_on_a_fenced_connection_changes_nothing() {
    let (server, address) = start().await;
    let (mut old, welcome) = ann(address, None, 0).await;
    push(&server, 1).await;
    gets(&mut old, 1).await;
    let (mut new, _) = ann(address, Some(&session_of(&welcome)), 0).await;
    gets(&mut new, 1).await;
    // An acknowledgement of what was never sent would end a session that heeds it.
    old.send("[[\"chsk/ack\",99],null]").await;
    // The answer to the server's close, so that it hangs up.
    old.send_frame(0x8, &3500_u16.to_be_bytes()).await;
    while let Some(heard) = old.next().await {
        assert!(matches!(heard, Incoming::Close(_)), "{heard:?}");
    }
    push(&server, 2).await;
    gets(&mut new, 2).await;
}

#[tokio::test]
async fn a_session_that_has_sent_nothing_is_resumed() {
    let (server, address) = start().await;
    let (client, welcome) = ann(address, None, 0).await;
    drop(client);
    let session = session_of(&welcome);
    let (mut client, welcome) = ann(address, Some(&session), 0).await;
    assert!(welcome.contains("\"outcome\":\"resumed\"") && welcome.contains("\"next\":1"), "{welcome}");
    assert!(welcome.contains("\"taken\":0,\"handled\":0"), "{welcome}");
    push(&server, 1).await;
    gets(&mut client, 1).await;
    assert_eq!((server.metrics().gaps, refused(&server)), (0, (0, 0)));
}

#[tokio::test]
async fn a_session_is_resumed_twice_in_a_row() {
    let (server, address) = start().await;
    let (mut client, welcome) = ann(address, None, 0).await;
    let session = session_of(&welcome);
    push(&server, 1).await;
    gets(&mut client, 1).await;
    for _ in 0..2 {
        // Nothing is read of what comes again, and nothing acknowledged.
        let (_, welcome) = ann(address, Some(&session), 0).await;
        assert!(welcome.contains("\"outcome\":\"resumed\"") && welcome.contains("\"next\":1"), "{welcome}");
    }
    push(&server, 2).await;
    let (mut client, welcome) = ann(address, Some(&session), 1).await;
    assert!(welcome.contains("\"next\":2"), "{welcome}");
    gets(&mut client, 2).await;
    assert_eq!((server.sessions(), server.metrics().gaps), (1, 0));
}

#[tokio::test]
async fn two_resumes_at_once_leave_one_connection_and_lose_nothing() {
    let (server, address) = start().await;
    let (client, welcome) = ann(address, None, 0).await;
    drop(client);
    let session = session_of(&welcome);
    push(&server, 1).await;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(address, ANN).await;
        client.text().await;
        waiting.push(client);
    }
    for client in &mut waiting {
        client.send(&hello_of(ANN, Some(&session), 0, Some(OUTBOX))).await;
    }
    // Whichever came first was welcomed, perhaps brought the event, and was then fenced.
    let mut winners = 0;
    for mut client in waiting {
        assert!(client.text().await.contains("\"outcome\":\"resumed\""));
        push(&server, 2).await;
        let mut heard = Vec::new();
        let fenced = loop {
            match client.next().await {
                Some(Incoming::Message(message)) => {
                    heard.push(String::from_utf8_lossy(message.as_bytes()).into_owned())
                }
                _ => break true,
            }
            if heard.iter().any(|text| text.contains("2")) {
                break false;
            }
        };
        winners += usize::from(!fenced);
        assert!(fenced || heard.concat().contains("[\"srv/n\",1]"), "{heard:?}");
    }
    assert_eq!((winners, server.sessions(), server.metrics().gaps), (1, 1, 0));
}

#[tokio::test]
async fn a_session_is_resumed_over_the_other_transport_either_way() {
    let (server, address) = start().await;
    let (mut socket, welcome) = ann(address, None, 0).await;
    let session = session_of(&welcome);
    push(&server, 1).await;
    gets(&mut socket, 1).await;
    // The WebSocket is still open, and what it brought is not acknowledged.
    let welcome = post(address, ANN, "", &hello_of(ANN, Some(&session), 0, Some(OUTBOX))).await.body;
    assert!(welcome.contains("\"outcome\":\"resumed\"") && welcome.contains("\"next\":1"), "{welcome}");
    let brought = poll(address, ANN, &session, 0).await.body;
    assert_eq!(brought, "[[\"chsk/from\",1],null]\n[[[\"srv/n\",1]],null]");
    assert_eq!(socket.close().await.0, 3500);
    push(&server, 2).await;
    let (mut socket, welcome) = ann(address, Some(&session), 1).await;
    assert!(welcome.contains("\"next\":2"), "{welcome}");
    gets(&mut socket, 2).await;
    let late = poll(address, ANN, &session, 1).await;
    assert_eq!((late.status, late.body.as_str()), (200, "[[],null]"), "a poll that was on its way takes nothing");
    push(&server, 3).await;
    gets(&mut socket, 3).await;
}

#[tokio::test]
async fn a_resume_whose_answer_was_lost_is_asked_for_again() {
    let (server, address) = start().await;
    let (mut client, welcome) = ann(address, None, 0).await;
    let session = session_of(&welcome);
    push(&server, 1).await;
    gets(&mut client, 1).await;
    let hello = hello_of(ANN, Some(&session), 0, Some(OUTBOX));
    let mut unheard = Client::connect(address, ANN).await;
    unheard.text().await;
    unheard.send(&hello).await;
    // The server took it: it has fenced the first.
    assert_eq!(client.close().await.0, 3500);
    drop(unheard);
    // Its answer over HTTP is lost as well.
    post(address, ANN, "", &hello).await;
    push(&server, 2).await;
    let (mut client, welcome) = greeted(address, ANN, &hello).await;
    assert!(welcome.contains("\"outcome\":\"resumed\"") && welcome.contains("\"next\":1"), "{welcome}");
    gets(&mut client, 1).await;
    gets(&mut client, 2).await;
    assert_eq!((server.sessions(), server.metrics().gaps), (1, 0));
}

/// The client never learnt its session's name. Its outbox has one, and finds what was answered.
#[tokio::test]
async fn a_first_welcome_that_was_lost_costs_a_session_and_nothing_else() {
    let (server, address) = start().await;
    let mut unheard = Client::connect(address, ANN).await;
    unheard.text().await;
    unheard.send(&hello_of(ANN, None, 0, Some(OUTBOX))).await;
    unheard.send("[[\"test/echo\",5],1]").await;
    eventually(|| server.metrics().events_received == 1).await;
    drop(unheard);
    let (mut client, welcome) = ann(address, None, 0).await;
    assert!(is_new(&welcome) && !welcome.contains("why"), "{welcome}");
    assert!(welcome.contains("\"taken\":1,\"handled\":1"), "{welcome}");
    assert_eq!(client.text().await, "[5,1]");
    eventually(|| server.sessions() == 1).await;
    assert_eq!((server.metrics().gaps, refused(&server)), (0, (0, 0)));
}

/// As of a client that gave its WebSocket up before the welcome, and went on polling.
#[tokio::test]
async fn polls_go_on_after_a_websocket_that_said_hello_and_went() {
    let (server, address) = start().await;
    let welcome = post(address, ANN, "", &hello_of(ANN, None, 0, Some(OUTBOX))).await.body;
    let session = session_of(&welcome);
    let mut given_up = Client::connect(address, ANN).await;
    given_up.text().await;
    given_up.send(&hello_of(ANN, Some(&session), 0, Some(OUTBOX))).await;
    given_up.send_frame(0x8, &1000_u16.to_be_bytes()).await;
    while given_up.next().await.is_some() {}
    push(&server, 1).await;
    // The server may hear of the end a moment after the client.
    let brought = soon(async {
        loop {
            let body = poll(address, ANN, &session, 0).await.body;
            if body != "[[],null]" {
                break body;
            }
        }
    });
    assert_eq!(brought.await, "[[\"chsk/from\",1],null]\n[[[\"srv/n\",1]],null]");
}

#[tokio::test]
async fn a_poll_that_a_later_one_overtook_takes_nothing_and_is_no_gap() {
    let (server, address) = start().await;
    let welcome = post(address, ANN, "", &hello_of(ANN, None, 0, Some(OUTBOX))).await.body;
    let session = session_of(&welcome);
    push(&server, 1).await;
    assert!(poll(address, ANN, &session, 0).await.body.contains("[\"srv/n\",1]"));
    push(&server, 2).await;
    assert!(poll(address, ANN, &session, 1).await.body.contains("[\"srv/n\",2]"));
    let late = poll(address, ANN, &session, 0).await;
    assert_eq!((late.status, late.body.as_str()), (200, "[[],null]"));
    assert_eq!(server.metrics().gaps, 0);
    assert!(poll(address, ANN, &session, 1).await.body.contains("[\"chsk/from\",2]"));
}
