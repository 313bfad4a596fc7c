//! Events over a WebSocket, as a plain Sente client and as a Tsugi client.

use crate::support::{Client, builder, eventually, serve_events};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;
use tsugi::{Limits, Times};
use tsugi_proto::websocket::{Incoming, client_frame};

#[tokio::test]
async fn a_sente_client_is_greeted_first() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let mut client = Client::connect(address, "/chsk?client-id=a&uid=ann").await;
    assert_eq!(client.text().await, "[[:chsk/handshake [\"ann\" nil nil]] nil]");
    let mut nobody = Client::connect(address, "/chsk?client-id=b").await;
    assert_eq!(nobody.text().await, "[[:chsk/handshake [:sente/nil-uid nil nil]] nil]");
}

#[tokio::test]
async fn a_reply_comes_in_the_slot_of_its_request() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let mut client = Client::connect(address, "/chsk?client-id=a&uid=ann").await;
    client.text().await;
    client.send("[[:test/echo {:a 1}] \"3f1b2c\"]").await;
    assert_eq!(client.text().await, "[{:a 1} \"3f1b2c\"]");
    client.send("[[:chsk/ws-ping] \"abc123\"]").await;
    assert_eq!(client.text().await, "[\"pong\" \"abc123\"]");
    client.send("[[:no/route] \"abc124\"]").await;
    assert!(client.text().await.starts_with("[[:chsk/error {:code \"unknown-event\""));
}

#[tokio::test]
async fn pushes_in_one_window_are_one_frame_for_each_device() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let mut first = Client::connect(address, "/chsk?client-id=a&uid=ann").await;
    let mut second = Client::connect(address, "/chsk?client-id=b&uid=ann").await;
    first.text().await;
    second.text().await;
    first.send("[[:test/push 3] nil]").await;
    for client in [&mut first, &mut second] {
        assert_eq!(client.text().await, "[[[:srv/n 0] [:srv/n 1] [:srv/n 2]] nil]");
    }
}

#[tokio::test]
async fn a_tsugi_client_chooses_json_and_says_hello() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let mut client = Client::connect(address, "/chsk?client-id=a&uid=ann&tsugi=1&codec=json").await;
    let handshake: serde_json::Value = serde_json::from_str(&client.text().await).unwrap();
    assert_eq!(handshake[0][0], "chsk/handshake");
    assert_eq!(handshake[0][1][0], "ann");
    assert_eq!(handshake[0][1][3]["tsugi"], 1);
    client.send("[[\"chsk/hello\",{}],null]").await;
    let welcome: serde_json::Value = serde_json::from_str(&client.text().await).unwrap();
    assert_eq!(welcome[0][0], "chsk/welcome");
    assert_eq!(welcome[0][1]["outcome"], "new");
    client.send("[[\"test/echo\",[1,\"x\"]],7]").await;
    assert_eq!(client.text().await, "[[1,\"x\"],7]");

    let session = welcome[0][1]["session"].as_str().unwrap();
    let mut again = Client::connect(address, "/chsk?client-id=a&uid=ann&tsugi=1&codec=json").await;
    again.text().await;
    again.send(&format!("[[\"chsk/hello\",{{\"session\":\"{session}\"}}],null]")).await;
    assert!(again.text().await.contains("resumed"));
    assert_eq!(client.close().await.0, 3500);
    assert_eq!(server.sessions(), 1);
}

#[tokio::test]
async fn anything_before_hello_is_refused() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let mut client = Client::connect(address, "/chsk?client-id=a&tsugi=1&codec=json").await;
    client.text().await;
    client.send("[[\"test/echo\",1],1]").await;
    assert_eq!(client.close().await.0, 3003);
    assert_eq!(server.sessions(), 0);
}

#[tokio::test]
async fn a_message_beyond_the_limit_closes_with_1009() {
    let server = builder().limits(Limits::default().max_message(100)).build().unwrap();
    let address = serve_events(&server).await;
    let mut client = Client::connect(address, "/chsk?client-id=a").await;
    client.text().await;
    client.send(&format!("[[:test/echo \"{}\"] nil]", "x".repeat(100))).await;
    assert_eq!(client.close().await.0, 1009);
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_then_given_up() {
    let times = Times::default()
        .keep_alive(Some(std::time::Duration::from_millis(100)))
        .ping_timeout(Some(std::time::Duration::from_millis(50)));
    let server = builder().times(times).build().unwrap();
    let address = serve_events(&server).await;
    let mut client = Client::connect(address, "/chsk?client-id=a").await;
    client.text().await;
    assert_eq!(client.text().await, "[:chsk/ws-ping nil]");
    assert_eq!(client.close().await, (1000, String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_beyond_the_inbox_is_read_to_its_end() {
    let slow = tsugi::Router::new().on("test/slow", async |tsugi::Raw(value): tsugi::Raw| {
        tokio::task::yield_now().await;
        value
    });
    let server = builder().router(slow).limits(Limits::default().max_inbox(4)).build().unwrap();
    let address = serve_events(&server).await;
    for round in 0..20 {
        let mut client = Client::connect(address, &format!("/chsk?client-id=a{round}")).await;
        client.text().await;
        for n in 0..200 {
            client.send(&format!("[[:test/slow {n}] {n}]")).await;
        }
        for n in 0..200 {
            assert_eq!(client.text().await, format!("[{n} {n}]"), "round {round}");
        }
    }
}

#[tokio::test]
async fn a_client_is_read_again_as_soon_as_one_of_too_many_events_is_being_handled() {
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let shared = (Arc::clone(&gate), Arc::clone(&begun));
    let slow = tsugi::Router::new().on("test/slow", move |tsugi::Raw(value): tsugi::Raw| {
        let (gate, begun) = shared.clone();
        async move {
            begun.fetch_add(1, Ordering::Relaxed);
            gate.acquire().await.expect("never closed").forget();
            value
        }
    });
    let server = builder().router(slow).limits(Limits::default().max_inbox(4)).build().unwrap();
    let address = serve_events(&server).await;
    let mut client = Client::connect(address, "/chsk?client-id=a").await;
    client.text().await;
    // In one write, so that they are read, and taken, together.
    let events = (0..4).map(|n| client_frame(0x1, format!("[[:test/slow {n}] {n}]").as_bytes(), [1, 2, 3, 4]));
    client.send_raw(&events.collect::<Vec<_>>().concat()).await;
    eventually(|| begun.load(Ordering::Relaxed) == 1).await;
    client.send_frame(0x9, b"still there?").await;
    assert_eq!(client.next().await, Some(Incoming::Pong("still there?".into())));
    gate.add_permits(4);
    for n in 0..4 {
        assert_eq!(client.text().await, format!("[{n} {n}]"));
    }
}

#[tokio::test]
async fn a_client_that_was_closed_while_it_was_away_learns_it_when_it_is_back() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let path = "/chsk?client-id=a&uid=ann&tsugi=1&codec=json";
    let mut client = Client::connect(address, path).await;
    client.text().await;
    client.send("[[\"chsk/hello\",{}],null]").await;
    let welcome: serde_json::Value = serde_json::from_str(&client.text().await).unwrap();
    let session = welcome[0][1]["session"].as_str().unwrap();
    // The server answers the close only when the session has lost its connection.
    client.send_frame(0x8, b"\x03\xe8").await;
    client.close().await;
    let ann = tsugi::UserId::from("ann");
    server.push(&ann, tsugi::Event::new("srv/last", "words")).await.unwrap();
    server.close(&ann, tsugi::CloseCode::app(4500), "signed out").await.unwrap();

    let mut again = Client::connect(address, path).await;
    again.text().await;
    again.send(&format!("[[\"chsk/hello\",{{\"session\":\"{session}\"}}],null]")).await;
    assert!(again.text().await.contains("resumed"));
    assert_eq!(again.text().await, "[[[\"srv/last\",\"words\"]],null]");
    assert_eq!(again.close().await, (4500, "signed out".to_owned()));
    assert_eq!(server.sessions(), 0);
}
