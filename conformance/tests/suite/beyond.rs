//! Rows G and I: what handlers are told, and what is promised beyond Sente.

use crate::rows::{ask, get, mount, open, post};
use crate::until;
use conformance::raw::Raw;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tsugi::{Client, Data, EventId, NoReply, Raw as Any, Responder, Router, Server, User, Value};

/// A router with one route that says everything back.
fn echo() -> Router<()> {
    Router::new().on("test/echo", async |Data(value): Data<Value>| value)
}

#[tokio::test]
async fn g1_g2_a_handler_is_told_who_sent_what_and_whether_a_reply_is_wanted() {
    let (told, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let router = Router::new().fallback(
        move |id: EventId, User(user): User, client: Client, Any(data): Any, responder: Option<Responder>| {
            let line = format!("{id} {user} {} {data:?} {}", client.id.as_str(), responder.is_some());
            told.send(line).expect("the test listens");
            async { NoReply }
        },
    );
    let (_server, address) = mount(Server::builder().router(router)).await;
    let mut client = open(address, "/chsk?client-id=c1&uid=ann").await;
    client.send("[[:any/thing 1] nil]").await;
    client.send("[[:any/thing] \"s\"]").await;
    assert_eq!(seen.recv().await.expect("an event"), "any/thing ann c1 Integer(1) false");
    assert_eq!(seen.recv().await.expect("an event"), "any/thing ann c1 Nil true");
}

#[tokio::test]
async fn g4_a_handler_that_fails_or_panics_fails_its_own_request_and_the_next_is_handled() {
    let router = echo()
        .on("test/panic", async || -> NoReply { panic!("the handler is broken") })
        .on("test/fail", async || Err::<(), _>(tsugi::Failure::new("full", "the room is full")));
    let (_server, address) = mount(Server::builder().router(router)).await;
    let mut client = open(address, "/chsk?client-id=a").await;
    client.send("[[:test/panic] \"1\"]").await;
    assert!(client.text().await.starts_with("[[:chsk/error {:code \"failed\""));
    client.send("[[:test/fail] \"2\"]").await;
    assert_eq!(client.text().await, "[[:chsk/error {:code \"full\", :message \"the room is full\"}] \"2\"]");
    client.send("[[:test/echo 3] \"3\"]").await;
    assert_eq!(client.text().await, "[3 \"3\"]");
}

#[tokio::test]
async fn g5_i9_shutdown_refuses_what_is_new_tells_who_is_there_and_may_be_asked_for_twice() {
    let (server, address) = mount(Server::builder().router(echo())).await;
    let mut client = open(address, "/chsk?client-id=a").await;
    let (first, second) = (server.shutdown(Duration::from_secs(5)), server.shutdown(Duration::from_secs(5)));
    let told = async {
        let code = client.close_code().await;
        drop(client);
        code
    };
    let ((), (), code) = tokio::join!(first, second, told);
    assert_eq!(code, 1001);
    assert_eq!(Raw::connect(address).await.upgrade("/chsk?client-id=b").await, 503);
    server.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn i4_a_handler_that_hangs_holds_up_its_own_client_only() {
    let echo = Router::new()
        .on("test/echo", async |Data(value): Data<Value>| value)
        .on("test/hang", async || std::future::pending::<()>().await);
    let (_server, address) = mount(Server::builder().router(echo)).await;
    let mut hanging = open(address, "/chsk?client-id=a&uid=u").await;
    let mut other = open(address, "/chsk?client-id=b&uid=u").await;
    hanging.send("[[:test/hang] nil]").await;
    hanging.send("[[:test/echo 1] \"1\"]").await;
    for n in 0..10 {
        other.send(&format!("[[:test/echo {n}] \"{n}\"]")).await;
        assert_eq!(other.text().await, format!("[{n} \"{n}\"]"));
    }
    assert!(hanging.is_quiet(Duration::from_millis(50)).await, "its events are handled one after the other");
}

#[tokio::test]
async fn i7_whatever_cannot_be_decoded_is_counted_on_a_websocket_and_in_a_post() {
    let (server, address) = mount(Server::builder().router(echo())).await;
    let mut client = open(address, "/chsk?client-id=a").await;
    client.send("[[:test/echo 1").await;
    assert_eq!(client.close_code().await, 1007);
    assert_eq!(post(address, "/chsk?client-id=b", "[[:test/echo 1").await.status, 400);
    assert_eq!(server.metrics().undecodable, 2);
}

/// What was written to the log.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics here").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn i10_the_log_holds_no_token_no_cookie_no_client_id_and_nothing_of_what_is_said() {
    let written = Written::default();
    let (writer, everything) = (written.clone(), tracing_subscriber::filter::LevelFilter::TRACE);
    let log = tracing_subscriber::fmt()
        .with_max_level(everything)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _log = tracing_subscriber::util::SubscriberInitExt::set_default(log);
    let builder = Server::builder().router(echo()).csrf(|_| Some("right-secret".to_owned()));
    let (server, address) = mount(builder).await;
    let mut client = open(address, "/chsk?client-id=client-secret&csrf-token=right-secret").await;
    for said in ["[[:test/echo \"said-secret\"] \"1\"]", "[[:chsk/uidport-close \"said-secret\"] nil]", "said-secret ["]
    {
        client.send(said).await;
    }
    until(
        async || get(address, "/chsk?client-id=x&csrf-token=wrong-secret").await.status.to_string(),
        |status| status == "403",
    )
    .await;
    let cookie =
        ["GET /chsk?client-id=client-secret HTTP/1.1", "Cookie: session=cookie-secret", "X-CSRF-Token: wrong-secret"];
    assert_eq!(ask(address, &cookie, "").await.status, 403);
    assert_eq!(
        post(address, "/chsk?client-id=client-secret&csrf-token=right-secret", "said-secret [").await.status,
        400
    );
    until(async || server.metrics().undecodable.to_string(), |count| count == "2").await;
    let log = String::from_utf8(written.0.lock().expect("nobody panics here").clone()).expect("text");
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("tsugi:")).collect();
    assert!(ours.len() >= 4, "it says that requests were refused and why: {log}");
    for line in ours {
        assert!(!line.contains("-secret"), "{line}");
    }
}
