//! Events over SockJS (docs/sockjs.md): the same users and pushes as on the other endpoint, and who may come in.

use crate::support::{Client, builder, eventually, request, serve, soon};
use std::net::SocketAddr;
use std::time::Duration;
use tsugi::{Event, Server, ServerBuilder, Times, UserId};

async fn start(builder: ServerBuilder) -> (Server, SocketAddr) {
    let server = builder.build().unwrap();
    let app = axum::Router::new().route_service("/chsk", server.service()).nest_service("/sockjs", server.sockjs());
    let address = serve(app).await;
    (server, address)
}

async fn post(address: SocketAddr, path: &str, body: &str) -> (u16, String) {
    let answer = request(address, "POST", path, "Content-Type: text/plain\r\n", body).await;
    (answer.status, answer.body)
}

async fn websocket(address: SocketAddr, query: &str) -> Client {
    let mut client = Client::connect(address, &format!("/sockjs/0/any/websocket?{query}")).await;
    assert_eq!(client.text().await, "o");
    client
}

fn ann() -> UserId {
    UserId::from("ann")
}

#[tokio::test]
async fn one_push_reaches_a_users_sente_tsugi_and_sockjs_clients_alike() {
    let (server, address) = start(builder()).await;
    let mut sente = Client::connect(address, "/chsk?client-id=a&uid=ann").await;
    assert!(sente.text().await.starts_with("[[:chsk/handshake [\"ann\""));
    let mut tsugi = Client::connect(address, "/chsk?client-id=b&uid=ann&tsugi=1&codec=json").await;
    tsugi.text().await;
    tsugi.send("[[\"chsk/hello\",{}],null]").await;
    assert!(tsugi.text().await.contains("welcome"));
    let mut sockjs = websocket(address, "uid=ann").await;
    assert_eq!(sockjs.text().await, "a[\"[[\\\"chsk/handshake\\\",[\\\"ann\\\",null,null]],null]\"]");
    let mut edn = websocket(address, "uid=ann&codec=edn&client-id=named").await;
    assert!(edn.text().await.contains(":chsk/handshake"));
    let poll = "/sockjs/0/polled/xhr?uid=ann";
    assert_eq!(post(address, poll, "").await.1, "o\n");
    assert!(post(address, poll, "").await.1.contains("chsk/handshake"));

    let delivery = server.push(&ann(), Event::new("mail/new", &3)).await.unwrap();
    assert_eq!(delivery.sessions, 5);
    assert_eq!(sente.text().await, "[[[:mail/new 3]] nil]");
    assert_eq!(tsugi.text().await, "[[[\"mail/new\",3]],null]");
    assert_eq!(sockjs.text().await, "a[\"[[[\\\"mail/new\\\",3]],null]\"]");
    assert_eq!(edn.text().await, "a[\"[[[:mail/new 3]] nil]\"]");
    assert_eq!(post(address, poll, "").await.1, "a[\"[[[\\\"mail/new\\\",3]],null]\"]\n");
    let online = server.users().snapshot();
    assert!(online.ws.contains(&ann()) && online.poll.contains(&ann()));
}

#[tokio::test]
async fn requests_are_answered_and_events_are_handled_over_every_kind_of_session() {
    let (_server, address) = start(builder()).await;
    let mut socket = websocket(address, "uid=ann").await;
    socket.text().await;
    socket.send("[\"[[\\\"test/echo\\\",\\\"hi\\\"],7]\"]").await;
    assert_eq!(socket.text().await, "a[\"[\\\"hi\\\",7]\"]");
    let poll = "/sockjs/0/asking/xhr?uid=ann";
    post(address, poll, "").await;
    post(address, poll, "").await;
    let sent = post(address, "/sockjs/0/asking/xhr_send?uid=ann", "[\"[[\\\"test/echo\\\",1],1]\"]").await;
    assert_eq!(sent.0, 204);
    assert_eq!(post(address, poll, "").await.1, "a[\"[1,1]\"]\n");
    let mut raw = Client::connect(address, "/sockjs/websocket?uid=ann").await;
    assert_eq!(raw.text().await, "[[\"chsk/handshake\",[\"ann\",null,null]],null]");
    raw.send("[[\"test/echo\",2],2]").await;
    assert_eq!(raw.text().await, "[2,2]");
}

#[tokio::test]
async fn a_session_is_its_users_and_nobody_elses() {
    let (_server, address) = start(builder()).await;
    post(address, "/sockjs/0/mine/xhr?uid=ann", "").await;
    let body = "[\"[[\\\"test/echo\\\",1],1]\"]";
    assert_eq!(post(address, "/sockjs/0/mine/xhr_send?uid=bob", body).await.0, 404);
    assert_eq!(post(address, "/sockjs/0/mine/xhr?uid=bob", "").await.1, "c[1002,\"Connection interrupted\"]\n");
    assert_eq!(post(address, "/sockjs/0/mine/xhr_send?uid=ann", body).await.0, 204);
}

#[tokio::test]
async fn an_unknown_codec_and_a_bad_client_id_are_a_400() {
    let (_server, address) = start(builder()).await;
    let (status, text) = post(address, "/sockjs/0/x/xhr?codec=xml", "").await;
    assert_eq!((status, text.as_str()), (400, "Unknown codec; choose one of: edn, json"));
    assert_eq!(post(address, "/sockjs/0/x/xhr?client-id=%20", "").await.0, 400);
}

fn guarded() -> ServerBuilder {
    let times = Times::default().handshake(Duration::from_millis(300));
    builder().csrf(|_| Some("tok".to_owned())).times(times).handshake_data(|_| tsugi::Value::string("secret"))
}

#[tokio::test]
async fn with_a_token_nothing_goes_out_and_nothing_comes_in_before_hello() {
    let (server, address) = start(guarded()).await;
    let mut client = websocket(address, "uid=ann").await;
    eventually(|| server.sessions() == 1).await;
    assert!(!server.users().is_online(&ann()));
    assert_eq!(server.push(&ann(), Event::new("mail/new", &1)).await.unwrap().sessions, 0);
    client.send("[\"[[\\\"chsk/hello\\\",{\\\"csrf\\\":\\\"tok\\\"}],null]\"]").await;
    assert_eq!(client.text().await, "a[\"[[\\\"chsk/handshake\\\",[\\\"ann\\\",null,\\\"secret\\\"]],null]\"]");
    assert!(server.users().is_online(&ann()));
    assert_eq!(server.push(&ann(), Event::new("mail/new", &2)).await.unwrap().sessions, 1);
    assert_eq!(client.text().await, "a[\"[[[\\\"mail/new\\\",2]],null]\"]");
}

#[tokio::test]
async fn a_token_is_asked_for_over_http_and_on_the_raw_websocket_too() {
    let (server, address) = start(guarded().times(Times::default())).await;
    let poll = "/sockjs/0/polled/xhr?uid=ann";
    assert_eq!(post(address, poll, "").await.1, "o\n");
    assert_eq!(server.push(&ann(), Event::new("mail/new", &1)).await.unwrap().sessions, 0);
    assert!(!server.users().is_online(&ann()));
    let send = "/sockjs/0/polled/xhr_send?uid=ann";
    let hello = "[\"[[\\\"chsk/hello\\\",{\\\"csrf\\\":\\\"tok\\\"}],null]\"]";
    assert_eq!(post(address, send, hello).await.0, 204);
    let first = post(address, poll, "").await.1;
    assert_eq!(first, "a[\"[[\\\"chsk/handshake\\\",[\\\"ann\\\",null,\\\"secret\\\"]],null]\"]\n");
    assert!(server.users().is_online(&ann()));
    assert_eq!(server.push(&ann(), Event::new("mail/new", &2)).await.unwrap().sessions, 1);
    assert_eq!(post(address, poll, "").await.1, "a[\"[[[\\\"mail/new\\\",2]],null]\"]\n");

    let wrong = "/sockjs/0/wrong/xhr?uid=bob";
    assert_eq!(post(address, wrong, "").await.1, "o\n");
    let bad = hello.replace("tok", "bad");
    assert_eq!(post(address, "/sockjs/0/wrong/xhr_send?uid=bob", &bad).await.0, 204);
    assert_eq!(post(address, wrong, "").await.1, "c[1008,\"Bad CSRF token\"]\n");

    let mut raw = Client::connect(address, "/sockjs/websocket?uid=cid").await;
    raw.send("[[\"test/echo\",1],1]").await;
    assert_eq!(raw.close().await, (1008, "Bad CSRF token".to_owned()));
    let mut raw = Client::connect(address, "/sockjs/websocket?uid=cid").await;
    raw.send("[[\"chsk/hello\",{\"csrf\":\"tok\"}],null]").await;
    assert_eq!(raw.text().await, "[[\"chsk/handshake\",[\"cid\",null,\"secret\"]],null]");
}

#[tokio::test]
async fn a_wrong_token_or_another_first_word_ends_the_session() {
    let (server, address) = start(guarded()).await;
    for first in ["[[\\\"chsk/hello\\\",{\\\"csrf\\\":\\\"bad\\\"}],null]", "[[\\\"test/echo\\\",1],1]"] {
        let mut client = websocket(address, "uid=ann").await;
        client.send(&format!("[\"{first}\"]")).await;
        assert_eq!(client.text().await, "c[1008,\"Bad CSRF token\"]");
        assert_eq!(client.close().await.0, 1000);
    }
    eventually(|| server.sessions() == 0).await;
    assert_eq!(post(address, "/sockjs/0/x/xhr?csrf-token=bad", "").await.0, 403);
}

#[tokio::test]
async fn who_says_no_hello_is_closed_after_a_while_and_a_token_in_the_url_is_one() {
    let (server, address) = start(guarded()).await;
    let mut silent = websocket(address, "uid=ann").await;
    let mut named = websocket(address, "uid=bob&csrf-token=tok").await;
    assert!(named.text().await.contains("secret"));
    assert_eq!(soon(silent.text()).await, "c[3003,\"no hello in time\"]");
    eventually(|| server.sessions() == 1).await;
    assert!(server.users().is_online(&UserId::from("bob")));
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_unless_origins_are_open() {
    let (_server, address) = start(builder().origins(tsugi::Origins::Same)).await;
    let foreign = "Origin: http://evil.example\r\n";
    assert_eq!(request(address, "POST", "/sockjs/0/x/xhr", foreign, "").await.status, 403);
    assert_eq!(Client::try_connect(address, "/sockjs/0/x/websocket", foreign).await.err(), Some(403));
    assert_eq!(post(address, "/sockjs/0/x/xhr", "").await.1, "o\n");
}
