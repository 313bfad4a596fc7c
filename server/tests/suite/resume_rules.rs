//! Nothing lost, nothing twice, downstream: what a Tsugi client was sent and did not get comes again, on whatever carrier it
//! comes back with, and of what cannot come again it is told (docs/wire.md, "Counts").

use crate::support::{Answer, Client, builder, eventually, request, serve_events, soon};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use tsugi::{Data, Event, Limits, Router, Server, Times, UserId, Value};
use tsugi_proto::websocket::Incoming;

const PATH: &str = "/chsk?client-id=a&uid=ann&tsugi=1&codec=json";

fn ann() -> UserId {
    UserId::from("ann")
}

async fn push(server: &Server, numbers: std::ops::Range<i64>) {
    for n in numbers {
        server.push(&ann(), Event::new("srv/n", &n)).await.expect("pushed");
    }
}

/// A WebSocket that has said hello, and the server's answer to it.
async fn greeted(address: SocketAddr, hello: &str) -> (Client, String) {
    let mut client = Client::connect(address, PATH).await;
    let handshake = client.text().await;
    assert!(handshake.contains("\"ack-items\":64"), "{handshake}");
    client.send(&format!("[[\"chsk/hello\",{hello}],null]")).await;
    let welcome = client.text().await;
    (client, welcome)
}

fn session_of(welcome: &str) -> String {
    let start = welcome.find("\"session\":\"").expect("a session") + 11;
    welcome[start..start + 48].to_owned()
}

/// The numbers of the next so many events, however they are batched.
async fn numbers(client: &mut Client, count: usize) -> Vec<i64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        numbers.extend(numbers_in(&client.text().await));
    }
    numbers
}

fn numbers_in(text: &str) -> Vec<i64> {
    let parts = text.split("[\"srv/n\",").skip(1);
    parts.map(|part| part.split(']').next().and_then(|number| number.parse().ok()).expect("a number")).collect()
}

async fn poll(address: SocketAddr, session: &str, ack: u64) -> Answer {
    let headers = format!("X-Requested-With: XMLHttpRequest\r\nTsugi-Session: {session}\r\n");
    request(address, "GET", &format!("{PATH}&ack={ack}"), &headers, "").await
}

async fn post(address: SocketAddr, session: &str, body: &str) -> Answer {
    let headers = format!("Content-Type: application/json\r\nTsugi-Session: {session}\r\n");
    request(address, "POST", PATH, &headers, body).await
}

#[tokio::test]
async fn what_was_written_and_did_not_arrive_comes_again() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let (mut client, welcome) = greeted(address, "{\"received\":0}").await;
    assert!(welcome.contains("\"outcome\":\"new\"") && welcome.contains("\"next\":1"), "{welcome}");
    push(&server, 0..5).await;
    assert_eq!(numbers(&mut client, 5).await, [0, 1, 2, 3, 4]);
    drop(client);
    push(&server, 5..8).await;
    // As if the last three of the five were lost on their way.
    let hello = format!("{{\"session\":\"{}\",\"received\":2}}", session_of(&welcome));
    let (mut client, welcome) = greeted(address, &hello).await;
    assert!(welcome.contains("\"outcome\":\"resumed\""), "{welcome}");
    assert!(welcome.contains("\"next\":3") || welcome.contains("\"next\":1"), "{welcome}");
    let again = numbers(&mut client, 6).await;
    assert_eq!(again.iter().copied().filter(|n| *n >= 2).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn a_reply_is_an_item_like_an_event_and_comes_again() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let (mut client, welcome) = greeted(address, "{\"received\":0}").await;
    client.send("[[\"test/echo\",\"hi\"],7]").await;
    assert_eq!(client.text().await, "[\"hi\",7]");
    push(&server, 1..2).await;
    assert_eq!(numbers(&mut client, 1).await, [1]);
    drop(client);
    let hello = format!("{{\"session\":\"{}\",\"received\":0}}", session_of(&welcome));
    let (mut client, _) = greeted(address, &hello).await;
    assert_eq!(client.text().await, "[\"hi\",7]");
    assert_eq!(numbers(&mut client, 1).await, [1]);
}

#[tokio::test]
async fn what_was_acknowledged_is_forgotten_and_never_comes_again() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let (mut client, welcome) = greeted(address, "{\"received\":0}").await;
    push(&server, 0..3).await;
    numbers(&mut client, 3).await;
    client.send("[[\"chsk/ack\",3],null]").await;
    // Answered after the acknowledgement was read, since one message is handled after another.
    client.send("[[\"test/echo\",1],1]").await;
    assert_eq!(client.text().await, "[1,1]");
    drop(client);
    let hello = format!("{{\"session\":\"{}\",\"received\":0}}", session_of(&welcome));
    let (mut client, welcome) = greeted(address, &hello).await;
    assert!(welcome.contains("\"next\":4"), "what a client gave away it cannot ask for: {welcome}");
    assert_eq!(client.text().await, "[1,1]");
}

#[tokio::test]
async fn an_answer_to_a_poll_that_was_lost_comes_again() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let welcome = post(address, "", "[[\"chsk/hello\",{\"received\":0}],null]").await.body;
    let session = session_of(&welcome);
    push(&server, 0..2).await;
    let lost = poll(address, &session, 0).await.body;
    assert!(lost.starts_with("[[\"chsk/from\",1],null]"), "{lost}");
    assert_eq!(numbers_in(&lost), [0, 1]);
    push(&server, 2..3).await;
    let again = poll(address, &session, 0).await.body;
    assert_eq!(numbers_in(&again), [0, 1, 2]);
    push(&server, 3..4).await;
    let next = poll(address, &session, 3).await.body;
    assert!(next.starts_with("[[\"chsk/from\",4],null]"), "{next}");
    assert_eq!(numbers_in(&next), [3]);
}

#[tokio::test]
async fn a_session_goes_on_from_a_poll_to_a_websocket_and_back() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let welcome = post(address, "", "[[\"chsk/hello\",{\"received\":0}],null]").await.body;
    let session = session_of(&welcome);
    push(&server, 0..2).await;
    // Its answer is lost.
    poll(address, &session, 0).await;
    let hello = format!("{{\"session\":\"{session}\",\"received\":0}}");
    let (mut client, _) = greeted(address, &hello).await;
    assert_eq!(numbers(&mut client, 2).await, [0, 1]);
    push(&server, 2..3).await;
    assert_eq!(numbers(&mut client, 1).await, [2]);
    drop(client);
    post(address, &session, &format!("[[\"chsk/hello\",{{\"session\":\"{session}\",\"received\":2}}],null]")).await;
    assert_eq!(numbers_in(&poll(address, &session, 2).await.body), [2]);
}

/// A server with a queue of four items whose application hears of gaps.
fn small() -> (Server, mpsc::UnboundedReceiver<Value>) {
    let (told, gaps) = mpsc::unbounded_channel();
    let router = Router::new().on("test/echo", async |Data(value): Data<Value>| value).on(
        tsugi::event::GAP,
        move |Data(gap): Data<Value>| {
            told.send(gap).unwrap();
            async {}
        },
    );
    let server = builder().router(router).limits(Limits::default().max_queue_items(4)).build().unwrap();
    (server, gaps)
}

#[tokio::test]
async fn when_more_waits_than_is_kept_both_ends_are_told_which_and_the_session_goes_on() {
    let (server, mut gaps) = small();
    let address = serve_events(&server).await;
    let (client, welcome) = greeted(address, "{\"received\":0}").await;
    drop(client);
    eventually(|| !server.users().is_online(&ann()) || server.sessions() == 1).await;
    let hello = format!("{{\"session\":\"{}\",\"received\":0}}", session_of(&welcome));
    // The polls of nobody: a POST hello leaves the session without a carrier.
    post(address, &session_of(&welcome), &format!("[[\"chsk/hello\",{hello}],null]")).await;
    push(&server, 0..7).await;
    let (mut client, welcome) = greeted(address, &hello).await;
    assert!(welcome.contains("\"next\":6"), "{welcome}");
    assert_eq!(numbers(&mut client, 2).await, [5, 6]);
    let told = soon(gaps.recv()).await.expect("told");
    assert_eq!((told.get("from"), told.get("to")), (Some(&Value::Integer(1)), Some(&Value::Integer(5))));
}

#[tokio::test]
async fn who_comes_back_too_late_is_told_that_the_session_expired() {
    let times = Times::default().expire(Duration::from_millis(50)).grace_websocket(Duration::from_millis(50));
    let server = builder().times(times).build().unwrap();
    let address = serve_events(&server).await;
    let (client, welcome) = greeted(address, "{\"received\":0}").await;
    drop(client);
    eventually(|| server.sessions() == 0).await;
    let hello = format!("{{\"session\":\"{}\",\"received\":4}}", session_of(&welcome));
    let (_, welcome) = greeted(address, &hello).await;
    assert!(welcome.contains("\"outcome\":\"new\"") && welcome.contains("\"next\":1"), "{welcome}");
    assert!(welcome.contains("\"why\":\"expired\""), "{welcome}");
}

#[tokio::test]
async fn who_comes_back_to_a_server_that_was_restarted_is_told_so() {
    let before = builder().build().unwrap();
    let (_, welcome) = greeted(serve_events(&before).await, "{\"received\":0}").await;
    let after = builder().build().unwrap();
    let hello = format!("{{\"session\":\"{}\",\"received\":4}}", session_of(&welcome));
    let (_, welcome) = greeted(serve_events(&after).await, &hello).await;
    assert!(welcome.contains("\"why\":\"restarted\""), "{welcome}");
}

#[tokio::test]
async fn a_client_that_counts_differently_gets_a_new_session_and_is_told() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let (mut client, welcome) = greeted(address, "{\"received\":0}").await;
    client.send("[[\"chsk/ack\",9],null]").await;
    assert_eq!(client.close().await, (3003, "counted differently".to_owned()));
    let hello = format!("{{\"session\":\"{}\",\"received\":9}}", session_of(&welcome));
    let (_, welcome) = greeted(address, &hello).await;
    assert!(welcome.contains("\"outcome\":\"new\""), "{welcome}");
    assert!(welcome.contains("\"why\":\"desync\""), "{welcome}");
}

#[tokio::test]
async fn a_client_that_does_not_count_is_served_as_ever() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let (mut client, welcome) = greeted(address, "{}").await;
    assert!(!welcome.contains("next"), "{welcome}");
    push(&server, 0..2).await;
    assert_eq!(numbers(&mut client, 2).await, [0, 1]);
    client.send_frame(0x8, &1001_u16.to_be_bytes()).await;
    assert!(matches!(client.next().await, Some(Incoming::Close(_))));
    push(&server, 2..3).await;
    let (mut client, _) = greeted(address, &format!("{{\"session\":\"{}\"}}", session_of(&welcome))).await;
    assert_eq!(numbers(&mut client, 1).await, [2]);
}

#[tokio::test]
async fn a_poll_that_says_nonsense_of_what_arrived_is_a_400() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let welcome = post(address, "", "[[\"chsk/hello\",{\"received\":0}],null]").await.body;
    let headers = format!("X-Requested-With: XMLHttpRequest\r\nTsugi-Session: {}\r\n", session_of(&welcome));
    assert_eq!(request(address, "GET", &format!("{PATH}&ack=many"), &headers, "").await.status, 400);
    assert_eq!(request(address, "GET", &format!("{PATH}&ack=77"), &headers, "").await.status, 409);
}
