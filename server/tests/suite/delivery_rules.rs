//! Who gets what, in which order, and what clients may not do: the rows C7 and D6–D17, limits and shutdown.

use crate::support::{Client, builder, eventually, get, serve_events, soon};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tsugi::users::Change;
use tsugi::{CloseCode, Data, Event, Limits, Router, Times, UserId, Value};
use tsugi_proto::websocket::Incoming;

const HOUR: Duration = Duration::from_secs(3600);

async fn greeted(address: SocketAddr, query: &str) -> Client {
    let mut client = Client::connect(address, &format!("/chsk?{query}")).await;
    assert!(client.text().await.starts_with("[[:chsk/handshake "));
    client
}

async fn nothing_more(client: &mut Client) {
    client.send("[[:test/echo :end] :end]").await;
    assert_eq!(client.text().await, "[:end :end]");
}

/// Closes as a browser does. When the server has answered, it knows.
async fn leave(mut client: Client) {
    client.send_frame(0x8, &1001_u16.to_be_bytes()).await;
    while !matches!(client.next().await, Some(Incoming::Close(_)) | None) {}
}

fn ann() -> UserId {
    UserId::from("ann")
}

#[tokio::test]
async fn c7_events_of_the_protocol_are_not_taken_from_a_client() {
    let (told, mut routed) = mpsc::unbounded_channel();
    let router = Router::new().on("test/echo", async |Data(value): Data<Value>| value).on(
        tsugi::event::USER_OFFLINE,
        move |Data(user): Data<String>| {
            told.send(user).unwrap();
            async {}
        },
    );
    let server = builder().router(router).build().unwrap();
    let mut client = greeted(serve_events(&server).await, "client-id=a&uid=ann").await;
    for forged in ["chsk/uidport-close", "chsk/uidport-open", "chsk/handshake", "chsk/close", "chsk/made-up"] {
        client.send(&format!("[[:{forged} \"bob\"] nil]")).await;
        client.send(&format!("[[:{forged} \"bob\"] 1]")).await;
        let answer = client.text().await;
        assert!(answer.starts_with("[[:chsk/error {:code \"reserved\""), "{forged}: {answer}");
        nothing_more(&mut client).await;
    }
    assert!(routed.try_recv().is_err());
    assert!(server.users().is_online(&ann()));
}

#[tokio::test]
async fn d6_d13_who_comes_back_in_time_gets_what_was_pushed_and_was_never_away() {
    let (told, mut news) = mpsc::unbounded_channel();
    let tell = |what: &'static str| {
        let told = told.clone();
        move || {
            told.send(what).unwrap();
            async {}
        }
    };
    let router = Router::new()
        .on("test/echo", async |Data(value): Data<Value>| value)
        .on(tsugi::event::USER_ONLINE, tell("online"))
        .on(tsugi::event::USER_OFFLINE, tell("offline"));
    let times = Times::default().grace_websocket(HOUR).expire(HOUR);
    let server = builder().router(router).times(times).build().unwrap();
    let address = serve_events(&server).await;
    leave(greeted(address, "client-id=a&uid=ann").await).await;
    let (online, mut changes) = server.users().watch();
    assert!(online.any.contains(&ann()));
    for n in 0..2 {
        assert_eq!(server.push(&ann(), Event::new("srv/n", &n)).await.unwrap().sessions, 1);
    }
    let mut back = greeted(address, "client-id=a&uid=ann").await;
    assert_eq!(back.text().await, "[[[:srv/n 0] [:srv/n 1]] nil]");
    nothing_more(&mut back).await;
    assert_eq!(server.sessions(), 1);

    // The next change is the end, so there was none before it.
    server.close(&ann(), CloseCode::new(4500).unwrap(), "signed out").await.unwrap();
    assert_eq!(soon(changes.recv()).await, Some(Ok(Change::Offline(ann()))));
    assert_eq!((soon(news.recv()).await, soon(news.recv()).await), (Some("online"), Some("offline")));
    assert!(news.try_recv().is_err());
}

#[tokio::test]
async fn d10_what_was_pushed_before_a_close_comes_before_it() {
    // The window is so long that nothing leaves by itself.
    let server = builder().times(Times::default().window_websocket(HOUR)).build().unwrap();
    let mut client = greeted(serve_events(&server).await, "client-id=a&uid=ann").await;
    for n in 0..2 {
        server.push(&ann(), Event::new("srv/n", &n)).await.unwrap();
    }
    server.close(&ann(), CloseCode::new(4500).unwrap(), "signed out").await.unwrap();
    assert_eq!(client.text().await, "[[[:srv/n 0] [:srv/n 1]] nil]");
    assert_eq!(client.close().await, (4500, "signed out".to_owned()));
    eventually(|| server.sessions() == 0).await;
}

#[tokio::test]
async fn d11_a_poll_that_is_held_when_its_session_is_closed_is_answered_properly() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let path = "/chsk?client-id=a&uid=ann";
    get(address, path).await;
    let held = tokio::spawn(async move { get(address, path).await });
    eventually(|| server.users().is_online(&ann())).await;
    server.close(&ann(), CloseCode::new(4500).unwrap(), "signed out").await.unwrap();
    let answer = soon(held).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "[:chsk/timeout nil]"));
    eventually(|| server.sessions() == 0).await;
}

#[tokio::test]
async fn d14_d15_of_two_sockets_of_one_client_the_newer_counts_and_no_phantom_stays() {
    let times = Times::default().grace_websocket(Duration::ZERO).expire(Duration::ZERO);
    let server = builder().times(times).build().unwrap();
    let address = serve_events(&server).await;
    let mut older = greeted(address, "client-id=a&uid=ann").await;
    let mut newer = greeted(address, "client-id=a&uid=ann").await;
    assert_eq!(older.close().await.0, 3500);
    assert_eq!(server.sessions(), 1);
    assert_eq!(server.push(&ann(), Event::new("srv/n", &1)).await.unwrap().sessions, 1);
    assert_eq!(newer.text().await, "[[[:srv/n 1]] nil]");
    nothing_more(&mut newer).await;

    // In Sente, a message of the older socket after the newer one had gone made a user that never left.
    leave(newer).await;
    eventually(|| server.sessions() == 0).await;
    older.send("[[:test/echo 1] nil]").await;
    drop(older);
    let mut other = greeted(address, "client-id=b&uid=bob").await;
    nothing_more(&mut other).await;
    let online = server.users().snapshot();
    assert_eq!((online.any, online.anonymous), ([UserId::from("bob")].into(), 0));
    assert_eq!(server.push(&ann(), Event::new("srv/n", &2)).await.unwrap().sessions, 0);
}

#[tokio::test]
async fn d16_the_same_client_with_another_user_is_another_session() {
    let times = Times::default().grace_websocket(Duration::ZERO).expire(Duration::ZERO);
    let server = builder().times(times).build().unwrap();
    let address = serve_events(&server).await;
    let before = greeted(address, "client-id=a").await;
    let mut ann_client = greeted(address, "client-id=a&uid=ann").await;
    let mut bob_client = greeted(address, "client-id=a&uid=bob").await;
    assert_eq!(server.sessions(), 3);
    server.push(&ann(), Event::new("srv/n", &1)).await.unwrap();
    server.push(&UserId::from("bob"), Event::new("srv/n", &2)).await.unwrap();
    assert_eq!(ann_client.text().await, "[[[:srv/n 1]] nil]");
    assert_eq!(bob_client.text().await, "[[[:srv/n 2]] nil]");
    let (_, mut changes) = server.users().watch();
    leave(before).await;
    leave(ann_client).await;
    assert_eq!(soon(changes.recv()).await, Some(Ok(Change::Offline(ann()))));
    nothing_more(&mut bob_client).await;
    // A session that is kept for no time at all still ends a moment after its connection.
    eventually(|| server.sessions() == 1).await;
}

#[tokio::test]
async fn d17_ten_thousand_pushes_of_one_caller_arrive_in_order() {
    const PUSHES: usize = 10_000;
    let server = builder().build().unwrap();
    let mut client = greeted(serve_events(&server).await, "client-id=a&uid=ann").await;
    for n in 0..PUSHES {
        assert_eq!(server.push(&ann(), Event::new("srv/n", &n)).await.unwrap().sessions, 1);
    }
    let mut next = 0;
    while next < PUSHES {
        let frame = client.text().await;
        let events = frame.strip_prefix("[[[:srv/n ").and_then(|rest| rest.strip_suffix("]] nil]")).unwrap();
        for number in events.split("] [:srv/n ") {
            assert_eq!(number.parse(), Ok(next));
            next += 1;
        }
    }
    nothing_more(&mut client).await;
}

#[tokio::test]
async fn a_user_may_have_so_many_sessions_and_others_are_not_counted() {
    let times = Times::default().grace_websocket(Duration::ZERO).expire(Duration::ZERO);
    let server = builder().times(times).limits(Limits::default().max_sessions_per_user(2)).build().unwrap();
    let address = serve_events(&server).await;
    let first = greeted(address, "client-id=a&uid=ann").await;
    let _second = greeted(address, "client-id=b&uid=ann").await;
    assert_eq!(Client::try_connect(address, "/chsk?client-id=c&uid=ann", "").await.err(), Some(503));
    assert_eq!(get(address, "/chsk?client-id=c&uid=ann").await.status, 503);
    let _bob = greeted(address, "client-id=c&uid=bob").await;
    drop(first);
    eventually(|| server.sessions() == 2).await;
    greeted(address, "client-id=c&uid=ann").await;
}

#[tokio::test]
async fn shutdown_tells_1001_refuses_what_is_new_and_waits_for_handlers() {
    let gate = Arc::new(Semaphore::new(0));
    let finished = Arc::new(AtomicBool::new(false));
    let (begun, mut beginning) = mpsc::unbounded_channel();
    let (at, done) = (Arc::clone(&gate), Arc::clone(&finished));
    let router = Router::new().on("test/slow", move || {
        let (gate, finished) = (Arc::clone(&at), Arc::clone(&done));
        begun.send(()).unwrap();
        async move {
            drop(gate.acquire().await);
            finished.store(true, Ordering::Relaxed);
        }
    });
    let server = builder().router(router).build().unwrap();
    let address = serve_events(&server).await;
    let mut client = greeted(address, "client-id=a&uid=ann").await;
    client.send("[[:test/slow] nil]").await;
    soon(beginning.recv()).await.unwrap();
    let closing = server.clone();
    let shutdown = tokio::spawn(async move { closing.shutdown(HOUR).await });
    assert_eq!(client.close().await.0, 1001);
    assert_eq!(get(address, "/chsk?client-id=b").await.status, 503);
    assert!(!shutdown.is_finished());
    gate.add_permits(1);
    drop(client);
    soon(shutdown).await.unwrap();
    assert!(finished.load(Ordering::Relaxed));
}
