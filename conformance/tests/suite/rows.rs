//! Rows of the feature table that no recording shows, each by its number (`sente/ROWS.md`).

use crate::{serve, until};
use conformance::raw::{Answer, Raw};
use std::net::SocketAddr;
use std::time::Duration;
use tsugi::{Data, Identity, Limits, Origins, Router, Server, ServerBuilder, Times, Value};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded;charset=UTF-8";

pub(crate) async fn ask(address: SocketAddr, lines: &[&str], body: &str) -> Answer {
    let mut client = Raw::connect(address).await;
    client.request(lines, body).await;
    client.answer().await
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, &[&format!("GET {path} HTTP/1.1")], "").await
}

pub(crate) async fn post(address: SocketAddr, path: &str, packet: &str) -> Answer {
    ask(address, &[&format!("POST {path} HTTP/1.1"), FORM], &format!("ppstr={}", percent(packet))).await
}

/// Every byte that means something in a form, escaped.
fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

pub(crate) async fn open(address: SocketAddr, path: &str) -> Raw {
    let mut client = Raw::connect(address).await;
    assert_eq!(client.upgrade(path).await, 101);
    assert!(client.text().await.starts_with("[[:chsk/handshake "));
    client
}

#[tokio::test]
async fn a13_text_is_posted_as_a_form_and_what_is_binary_says_so() {
    let address = serve().await;
    let path = "/chsk-open?client-id=a&uid=a";
    assert_eq!(post(address, path, "[[:test/echo 1] :ajax]").await.body, "[{:echo 1} nil]");
    let binary = format!("POST {path}&binary?=true HTTP/1.1");
    // EDN is text: bytes are not its form, as a binary frame is not.
    let refused = ask(address, &[&binary, "Content-Type: application/octet-stream"], "[[:test/echo 1] :ajax]").await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a17_answers_name_what_they_are_and_are_never_kept() {
    let address = serve().await;
    let answer = get(address, "/chsk-open?client-id=a&handshake?=true").await;
    assert!(answer.head.contains("content-type: application/edn"), "{}", answer.head);
    assert!(answer.head.contains("cache-control: no-store, no-transform"), "{}", answer.head);
}

#[tokio::test]
async fn a20_what_a_client_adds_to_its_query_changes_nothing() {
    let address = serve().await;
    for extra in ["udt=1763670000000", "udt=", "udt=x&foo=bar&foo=baz&%F0%9F%98%80=1", "handshake%3F=1"] {
        let answer =
            get(address, &format!("/chsk-open?client-id=a{}&uid=u&handshake?=true&{extra}", extra.len())).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "[[:chsk/handshake [\"u\" nil nil]] nil]"), "{extra}");
    }
}

#[tokio::test]
async fn c2_what_is_no_event_reaches_the_application_with_its_wish_for_a_reply() {
    let address = serve().await;
    let mut client = open(address, "/chsk-open?client-id=a&uid=a").await;
    client.send("[\"no event\" \"cb1\"]").await;
    client.send("[[:no-namespace 1] nil]").await;
    client.send("[[:test/echo 1] \"after\"]").await;
    let mut answers = Vec::new();
    while !answers.iter().any(|answer: &String| answer.contains("after")) {
        answers.push(client.text().await);
    }
    let log = get(address, "/log").await.body;
    let bad: Vec<&str> = log.lines().filter(|line| line.contains(":chsk/bad-event")).collect();
    assert!(bad[0].contains("\"no event\"") && bad[0].ends_with("reply? true"), "{log}");
    assert!(bad[1].contains("[:no-namespace 1]") && bad[1].ends_with("reply? false"), "{log}");
}

#[tokio::test]
async fn c5_a_poller_comes_online_with_its_first_held_poll_and_not_with_its_handshake() {
    let address = serve().await;
    let path = "/chsk-open?client-id=a&uid=polled";
    get(address, &format!("{path}&handshake?=true")).await;
    assert!(!get(address, "/log").await.body.contains(":chsk/uidport-open"));
    let mut held = Raw::connect(address).await;
    held.request(&[format!("GET {path} HTTP/1.1")], "").await;
    let mut told = String::new();
    let mut more = async || {
        told += &get(address, "/log").await.body;
        told.clone()
    };
    until(&mut more, |log| log.contains("[:chsk/uidport-open \"polled\"]")).await;
}

/// A server of this test's own, with these times.
async fn with(times: Times) -> (Server, SocketAddr) {
    mount(Server::builder().times(times)).await
}

pub(crate) async fn mount(builder: ServerBuilder) -> (Server, SocketAddr) {
    let server = builder
        .origins(Origins::Any)
        .identify(|request| Ok(request.param("uid").map_or_else(Identity::anonymous, Identity::user)))
        .build()
        .expect("good settings");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let app = axum::Router::new().route_service("/chsk", server.service());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (server, address)
}

#[tokio::test]
async fn e11_without_a_keep_alive_nobody_is_pinged() {
    let often = Times::default().keep_alive(Some(Duration::from_millis(60)));
    let (_server, pinging) = with(often).await;
    let (_other, silent) = with(Times::default().keep_alive(None)).await;
    let mut idle = open(silent, "/chsk?client-id=a").await;
    let mut pinged = open(pinging, "/chsk?client-id=a").await;
    assert_eq!(pinged.text().await, "[:chsk/ws-ping nil]");
    assert!(idle.is_quiet(Duration::from_millis(300)).await);
}

#[tokio::test]
async fn e11_without_a_ping_timeout_a_client_that_never_answers_stays() {
    let times = Times::default().keep_alive(Some(Duration::from_millis(40))).ping_timeout(None);
    let (server, address) = with(times).await;
    let mut client = open(address, "/chsk?client-id=a").await;
    for _ in 0..10 {
        assert_eq!(client.text().await, "[:chsk/ws-ping nil]");
    }
    assert_eq!(server.users().snapshot().anonymous, 1);
}

#[tokio::test]
async fn e12_e13_times_that_cannot_work_are_refused_with_words() {
    let refused = |times: Times| Server::builder().times(times).build().expect_err("refused").to_string();
    assert!(refused(Times::default().poll_timeout(Duration::from_secs(60))).contains("less than 60 s"));
    assert!(refused(Times::default().poll_timeout(Duration::ZERO)).contains("poll_timeout"));
    assert!(refused(Times::default().window_websocket(Duration::ZERO)).contains("more than zero"));
    assert!(refused(Times::default().window_poll(Duration::ZERO)).contains("more than zero"));
}

#[tokio::test]
async fn c14_a_poll_that_another_took_over_ends_with_a_batch_of_nothing() {
    let address = serve().await;
    let path = "/chsk-open?client-id=a&uid=u";
    get(address, &format!("{path}&handshake?=true")).await;
    let mut first = Raw::connect(address).await;
    first.request(&[format!("GET {path} HTTP/1.1")], "").await;
    until(async || get(address, "/conns").await.body, |online| online.contains("ajax=[u]")).await;
    let mut second = Raw::connect(address).await;
    second.request(&[format!("GET {path} HTTP/1.1")], "").await;
    let answer = first.answer().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, "[[] nil]");
}

/// Scenario b5. An application that comes from Sente, where 4 MiB are allowed, raises `max_message` as here.
#[tokio::test]
async fn b20_scenario_b5_a_message_of_70_000_bytes_comes_back_where_the_limit_allows_it() {
    let mut limits = Limits::default();
    limits.max_message = 128 * 1024;
    let echo = Router::new().on("test/echo", async |Data(value): Data<Value>| value);
    let (_server, address) = mount(Server::builder().limits(limits).router(echo)).await;
    let mut client = open(address, "/chsk?client-id=lf&uid=ulf").await;
    let large = "y".repeat(70_000);
    client.send(&format!("[[:test/echo \"{large}\"] \"L\"]")).await;
    let frame = client.frame().await;
    let text = format!("[\"{large}\" \"L\"]");
    assert_eq!(frame[..2], [0x81, 0x7f], "one text frame with a length of eight bytes");
    assert_eq!(frame[2..10], (text.len() as u64).to_be_bytes());
    assert!(&frame[10..] == text.as_bytes(), "what came back is not what was sent");
}

/// Scenario 17 over WebSocket, the recorded messages. Sente says nothing at all, so that whoever waits for a reply waits for
/// its timeout; here the connection ends with a reason, and the next one is unharmed.
#[tokio::test]
async fn b9_scenario_17_a_websocket_message_that_cannot_be_read_closes_its_connection_only() {
    let address = serve().await;
    let path = "/chsk-open?client-id=c17&uid=u17";
    for unreadable in ["[[:test/echo 1", "-[:test/foo 1]", "", "{:a 1}", "\"str\""] {
        let mut client = open(address, path).await;
        client.send(unreadable).await;
        assert_eq!(client.close_code().await, 1007, "{unreadable:?}");
    }
    // Better: what begins with `+` is of Sente 1.0 to 1.17, and is answered as that would be.
    let mut older = open(address, path).await;
    older.send("+[[:test/echo 1] \"u\"]").await;
    assert_eq!(older.text().await, "+[{:echo 1} \"u\"]");
    let mut client = open(address, path).await;
    client.send("[[:test/echo :still-alive] \"zz\"]").await;
    assert_eq!(client.text().await, "[{:echo :still-alive} \"zz\"]");
}
