//! Section 13, and 16.3 and 16.7: how sessions begin, are taken, are lost and end.

use super::{PROFILES, Wire, ask, post, serve, serve_app, session, stream};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tsugi::{BoxError, Origins, SockJsConfig, SockJsTransport, Socket, SocketConfig, Sockets};

#[tokio::test]
async fn s13_5_m5_a_second_receiver_is_refused_and_the_first_does_not_notice() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    let (_, mut first) = stream(address, "POST", &format!("/echo/0/{id}/xhr_streaming")).await;
    first.chunk().await;
    first.chunk().await;
    let second = post(address, &format!("/echo/0/{id}/xhr"), "").await;
    assert_eq!((second.status, second.body.as_str()), (200, "c[2010,\"Another connection still open\"]\n"));
    post(address, &format!("/echo/0/{id}/xhr_send"), "[\"x\"]").await;
    assert_eq!(first.chunk().await.as_deref(), Some("a[\"x\"]\n"));
}

#[tokio::test]
async fn s13_7_who_hangs_up_is_gone_at_once_and_the_id_is_free_for_the_next_request() {
    let address = serve(PROFILES[0]).await;
    for way in ["xhr_streaming", "xhr"] {
        let id = session();
        let path = format!("/echo/0/{id}/{way}");
        if way == "xhr" {
            post(address, &path, "").await;
        }
        let mut held = Wire::connect(address).await;
        held.request(&format!("POST {path} HTTP/1.1"), &["Content-Length: 0"], "").await;
        if way == "xhr_streaming" {
            held.head().await;
        } else {
            // The poll is held: a second receiver is told so.
            assert!(post(address, &path, "").await.body.starts_with("c[2010,"));
        }
        drop(held);
        // With no pause: the next request may overtake the end of the connection.
        assert_eq!(post(address, &format!("/echo/0/{id}/xhr"), "").await.body, "o\n", "{way}");
    }
}

#[tokio::test]
async fn s13_10_s13_11_m7_a_close_is_said_to_everybody_who_asks_and_the_reason_is_escaped() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    let path = format!("/close/0/{id}/xhr");
    assert_eq!(post(address, &path, "").await.body, "o\n");
    for _ in 0..3 {
        assert_eq!(post(address, &path, "").await.body, "c[3000,\"Go away!\"]\n");
    }
    assert_eq!(post(address, &format!("/close/0/{id}/xhr_send"), "[\"late\"]").await.status, 204, "dropped");
    let quoting = sockets(|socket: Socket| async move {
        let (_incoming, outgoing, _errors) = socket.split();
        outgoing.close(3000, "say \"bye\" \u{2028}")?;
        Ok(())
    });
    let address = serve_app(axum::Router::new().nest_service("/q", quoting.sockjs())).await;
    let path = format!("/q/0/{}/xhr", session());
    post(address, &path, "").await;
    assert_eq!(post(address, &path, "").await.body, "c[3000,\"say \\\"bye\\\" \\u2028\"]\n");
}

#[tokio::test]
async fn s13_10_what_was_sent_before_a_close_comes_before_it() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    let path = format!("/close_later/0/{id}/xhr");
    post(address, &path, "").await;
    post(address, &format!("/close_later/0/{id}/xhr_send"), "[\"X\",\"never read\"]").await;
    assert_eq!(post(address, &path, "").await.body, "a[\"got X\"]\n");
    assert_eq!(post(address, &path, "").await.body, "c[3001,\"bye\"]\n");
    assert_eq!(post(address, &path, "").await.body, "c[3001,\"bye\"]\n");
}

#[tokio::test]
async fn s13_8_s14_6_a_heartbeat_comes_whether_or_not_there_is_traffic_and_ends_a_poll() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    let path = format!("/fast_echo/0/{id}/xhr");
    post(address, &path, "").await;
    assert_eq!(post(address, &path, "").await.body, "h\n");
    let (_, mut wire) = stream(address, "POST", &format!("/fast_echo/0/{}/xhr_streaming", session())).await;
    wire.chunk().await;
    assert_eq!(wire.chunk().await.as_deref(), Some("o\n"));
    assert_eq!(wire.chunk().await.as_deref(), Some("h\n"));
    assert_eq!(wire.chunk().await.as_deref(), Some("h\n"));
}

fn sockets<F, Fut>(handler: F) -> Sockets
where
    F: Fn(Socket) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    Sockets::new(SocketConfig::default().origins(Origins::Any), handler)
}

/// Sockets that tell of each beginning, message and end.
fn told() -> (Sockets, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let counted = sockets(move |socket: Socket| {
        let tell = tell.clone();
        async move {
            let transport = socket.request().extension::<SockJsTransport>().copied();
            tell.send(format!("open {}", transport.expect("a transport")))?;
            let (mut incoming, _outgoing, _errors) = socket.split();
            while let Some(message) = incoming.recv().await {
                tell.send(String::from_utf8_lossy(message.as_bytes()).into_owned())?;
            }
            tell.send(format!("closed {}", incoming.closed().expect("it is").close.code))?;
            Ok(())
        }
    });
    (counted, told)
}

async fn next(told: &mut mpsc::UnboundedReceiver<String>) -> String {
    tokio::time::timeout(Duration::from_secs(10), told.recv()).await.expect("in time").expect("something")
}

async fn short(sockets: &Sockets) -> SocketAddr {
    let config = SockJsConfig::default().disconnect_delay(Duration::from_millis(150));
    serve_app(axum::Router::new().nest_service("/s", sockets.sockjs_with(config).expect("good options"))).await
}

#[tokio::test]
async fn s13_6_s13_15_m6_a_session_without_a_receiver_is_closed_told_and_forgotten() {
    let (sockets, mut told) = told();
    let address = short(&sockets).await;
    let id = session();
    assert_eq!(post(address, &format!("/s/0/{id}/xhr"), "").await.body, "o\n");
    assert_eq!(next(&mut told).await, "open xhr-polling");
    assert_eq!(post(address, &format!("/s/0/{id}/xhr_send"), "[\"a\",\"b\"]").await.status, 204);
    assert_eq!((next(&mut told).await, next(&mut told).await), ("a".to_owned(), "b".to_owned()));
    assert_eq!(next(&mut told).await, "closed 1006");
    assert_eq!(post(address, &format!("/s/0/{id}/xhr_send"), "[\"late\"]").await.status, 404);
    assert_eq!(post(address, &format!("/s/0/{id}/xhr"), "").await.body, "o\n");
    assert_eq!(next(&mut told).await, "open xhr-polling");
}

#[tokio::test]
async fn s13_6_sending_keeps_nobody_open() {
    let (sockets, mut told) = told();
    let address = short(&sockets).await;
    let id = session();
    post(address, &format!("/s/0/{id}/xhr"), "").await;
    // More time than the delay passes, in steps that are shorter than it.
    let mut sent = 0;
    while post(address, &format!("/s/0/{id}/xhr_send"), "[\"x\"]").await.status == 204 {
        sent += 1;
        assert!(sent < 100, "five seconds later it still takes messages");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut last = next(&mut told).await;
    while !last.starts_with("closed") {
        last = next(&mut told).await;
    }
    assert_eq!(last, "closed 1006");
}

#[tokio::test]
async fn s13_10_a_close_is_forgotten_when_nobody_asked_for_so_long() {
    let closing = sockets(|socket: Socket| async move {
        let (_incoming, outgoing, _errors) = socket.split();
        outgoing.close(3000, "Go away!")?;
        Ok(())
    });
    let config = SockJsConfig::default().disconnect_delay(Duration::from_millis(500));
    let service = closing.sockjs_with(config).expect("good options");
    let address = serve_app(axum::Router::new().nest_service("/s", service)).await;
    let path = format!("/s/0/{}/xhr", session());
    assert_eq!(post(address, &path, "").await.body, "o\n");
    assert_eq!(post(address, &path, "").await.body, "c[3000,\"Go away!\"]\n");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(post(address, &path, "").await.body, "o\n", "twice the delay later");
}

#[tokio::test]
async fn s13_7_the_application_is_told_at_once_when_a_receiver_vanishes() {
    let (sockets, mut told) = told();
    let address = serve_app(axum::Router::new().nest_service("/s", sockets.sockjs())).await;
    let (_, wire) = stream(address, "POST", &format!("/s/0/{}/xhr_streaming", session())).await;
    assert_eq!(next(&mut told).await, "open xhr-streaming");
    drop(wire);
    assert_eq!(next(&mut told).await, "closed 1006");
}

#[tokio::test]
async fn s13_10_a_close_does_not_wait_for_a_stream_that_nobody_reads() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let closing = sockets(move |socket: Socket| {
        let tell = tell.clone();
        async move {
            let (mut incoming, mut outgoing, _errors) = socket.split();
            // Until neither the connection nor the queue takes more.
            let full = "x".repeat(64 * 1024);
            while tokio::time::timeout(Duration::from_millis(500), outgoing.send(full.as_str())).await.is_ok() {}
            outgoing.close(3000, "Go away!")?;
            assert!(incoming.recv().await.is_none());
            tell.send(format!("closed {}", incoming.closed().expect("it is").close.code))?;
            Ok(())
        }
    });
    let service = closing.sockjs_with(SockJsConfig::default().response_limit(1 << 30)).expect("good options");
    let address = serve_app(axum::Router::new().nest_service("/s", service)).await;
    let (_, mut unread) = stream(address, "POST", &format!("/s/0/{}/xhr_streaming", session())).await;
    assert_eq!(next(&mut told).await, "closed 3000");
    // Whoever reads on after all finds the close behind what the connection still held.
    let mut last = String::new();
    while let Some(chunk) = unread.chunk().await {
        last = chunk;
    }
    assert_eq!(last, "c[3000,\"Go away!\"]\n");
}

#[tokio::test]
async fn s8_2_messages_are_queued_before_the_204() {
    let (sockets, mut told) = told();
    let address = serve_app(axum::Router::new().nest_service("/s", sockets.sockjs())).await;
    let id = session();
    post(address, &format!("/s/0/{id}/xhr"), "").await;
    next(&mut told).await;
    for n in 0..200 {
        assert_eq!(post(address, &format!("/s/0/{id}/xhr_send"), &format!("[\"{n}\"]")).await.status, 204);
    }
    for n in 0..200 {
        assert_eq!(next(&mut told).await, n.to_string());
    }
}

#[tokio::test]
async fn m3_one_open_and_one_close_for_each_of_64_clients_and_every_message_once() {
    let (opened, closed, messages) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::default());
    let counts = (Arc::clone(&opened), Arc::clone(&closed), Arc::<AtomicUsize>::clone(&messages));
    let counted = sockets(move |socket: Socket| {
        let (opened, closed, messages) = counts.clone();
        async move {
            opened.fetch_add(1, Ordering::Relaxed);
            let (mut incoming, _outgoing, _errors) = socket.split();
            let mut expected = 0;
            while let Some(message) = incoming.recv().await {
                assert_eq!(message.as_bytes(), expected.to_string().as_bytes(), "in order");
                expected += 1;
                messages.fetch_add(1, Ordering::Relaxed);
            }
            closed.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    });
    let address = serve_app(axum::Router::new().nest_service("/s", counted.sockjs())).await;
    let clients = (0..64).map(|_| {
        tokio::spawn(async move {
            let id = session();
            // Held while it sends, so that no machine is too busy for the session to last, and its end is the session's.
            let (head, _held) = stream(address, "POST", &format!("/s/0/{id}/xhr_streaming")).await;
            assert_eq!(head.status, 200);
            let mut wire = Wire::connect(address).await;
            for batch in 0..50 {
                let texts: Vec<String> = (batch * 20..batch * 20 + 20).map(|n| format!("\"{n}\"")).collect();
                let body = format!("[{}]", texts.join(","));
                wire.request(&format!("POST /s/0/{id}/xhr_send HTTP/1.1"), &[], &body).await;
                assert_eq!(wire.answer().await.status, 204);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("well");
    }
    eventually(|| closed.load(Ordering::Relaxed) == 64).await;
    assert_eq!(opened.load(Ordering::Relaxed), 64);
    assert_eq!(messages.load(Ordering::Relaxed), 64 * 1000);
    assert_eq!(counted.open(), 0);
}

/// Waits until something is so that no event tells of.
async fn eventually(mut is_so: impl FnMut() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not become so");
}

#[tokio::test]
async fn m6_ten_thousand_sessions_that_were_left_are_gone() {
    let (sockets, mut told) = told();
    tokio::spawn(async move { while told.recv().await.is_some() {} });
    let address = short(&sockets).await;
    let clients = (0..50).map(|_| {
        tokio::spawn(async move {
            let mut wire = Wire::connect(address).await;
            for _ in 0..200 {
                wire.request(&format!("POST /s/0/{}/xhr HTTP/1.1", session()), &["Content-Length: 0"], "").await;
                assert_eq!(wire.answer().await.body, "o\n");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("well");
    }
    eventually(|| sockets.open() == 0).await;
}

#[tokio::test]
async fn s13_13_s16_8_bounds_are_kept_and_answered() {
    let (sockets, _told) = told();
    let config = SockJsConfig::default().max_sessions(2);
    let app = axum::Router::new().nest_service("/s", sockets.sockjs_with(config).expect("good options"));
    let address = serve_app(app).await;
    for _ in 0..2 {
        assert_eq!(post(address, &format!("/s/0/{}/xhr", session()), "").await.status, 200);
    }
    let refused = post(address, &format!("/s/0/{}/xhr", session()), "").await;
    assert_eq!((refused.status, refused.header("retry-after").is_some()), (503, true));
}

#[tokio::test]
async fn s13_13_a_slow_application_makes_the_sender_wait_and_nothing_is_lost() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let (tell, mut told) = mpsc::unbounded_channel();
    let slow = Sockets::new(SocketConfig::default().origins(Origins::Any).max_inbox(2), move |socket: Socket| {
        let (mut wait, tell) = (wait.clone(), tell.clone());
        async move {
            wait.wait_for(|go| *go).await?;
            let (mut incoming, _outgoing, _errors) = socket.split();
            while let Some(message) = incoming.recv().await {
                tell.send(String::from_utf8_lossy(message.as_bytes()).into_owned())?;
            }
            Ok::<(), BoxError>(())
        }
    });
    let address = serve_app(axum::Router::new().nest_service("/s", slow.sockjs())).await;
    let id = session();
    post(address, &format!("/s/0/{id}/xhr"), "").await;
    assert_eq!(post(address, &format!("/s/0/{id}/xhr_send"), "[\"1\",\"2\"]").await.status, 204);
    let mut waiting = Wire::connect(address).await;
    waiting.request(&format!("POST /s/0/{id}/xhr_send HTTP/1.1"), &[], "[\"3\"]").await;
    let held = tokio::time::timeout(Duration::from_millis(100), waiting.head()).await;
    assert!(held.is_err(), "there is no room");
    go.send(true).expect("somebody waits");
    assert_eq!(waiting.answer().await.status, 204);
    for n in ["1", "2", "3"] {
        assert_eq!(next(&mut told).await, n);
    }
}

#[tokio::test]
async fn s13_13_s16_8_a_client_that_never_reads_its_stream_is_given_up_and_the_application_is_told() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let limited = SocketConfig::default().origins(Origins::Any).send_timeout(Some(Duration::from_millis(200)));
    let flood = Sockets::new(limited, move |socket: Socket| {
        let tell = tell.clone();
        async move {
            let (mut incoming, mut outgoing, _errors) = socket.split();
            let mut sent = 0;
            let error = loop {
                match outgoing.send("x".repeat(64 * 1024)).await {
                    Ok(()) => sent += 1,
                    Err(error) => break error,
                }
            };
            // Whoever only reads must learn of it too, though the client still holds its connection.
            assert!(incoming.recv().await.is_none());
            tell.send((sent, error))?;
            Ok::<(), BoxError>(())
        }
    });
    let config = SockJsConfig::default().response_limit(usize::MAX);
    let service = flood.sockjs_with(config).expect("good options");
    let address = serve_app(axum::Router::new().nest_service("/s", service)).await;
    let id = session();
    let (_, _never_read) = stream(address, "POST", &format!("/s/0/{id}/xhr_streaming")).await;
    let (sent, error) =
        tokio::time::timeout(Duration::from_secs(10), told.recv()).await.expect("in time").expect("something");
    assert_eq!(error.to_string(), tsugi::socket::SendError::Timeout(Duration::from_millis(200)).to_string());
    assert!(sent < 1_000, "{sent} messages of 64 KiB were taken for a client that reads none");
    eventually(|| flood.open() == 0).await;
    let told = post(address, &format!("/s/0/{id}/xhr"), "").await.body;
    assert_eq!(told, "c[3002,\"the peer reads too slowly\"]\n");
}

#[tokio::test]
async fn s17_options_that_cannot_work_are_refused_with_words() {
    let (sockets, _told) = told();
    let refused = |config: SockJsConfig| sockets.sockjs_with(config).expect_err("it cannot work").to_string();
    let config = SockJsConfig::default;
    assert!(refused(config().sockjs_url("\"><script>".to_owned())).contains("sockjs_url"));
    assert!(refused(config().sockjs_url("ftp://x".to_owned())).contains("sockjs_url"));
    assert!(refused(config().heartbeat(Duration::from_secs(40))).contains("35 s"));
    assert!(refused(config().disconnect_delay(Duration::ZERO)).contains("disconnect_delay"));
    assert!(refused(config().response_limit(0)).contains("response_limit"));
}

#[tokio::test]
async fn s2_4_s6_4_s17_base_url_and_a_cookie_of_ones_own() {
    let (sockets, _told) = told();
    let cookie = tsugi::SessionCookie::Custom(Arc::new(|request| request.param("node").map(|n| format!("node={n}"))));
    let config = SockJsConfig::default().base_url(Some("https://b.example/s".to_owned())).session_cookie(cookie);
    let app = axum::Router::new().nest_service("/s", sockets.sockjs_with(config).expect("good options"));
    let address = serve_app(app).await;
    assert!(super::get(address, "/s/info").await.body.contains("\"base_url\":\"https://b.example/s\""));
    let named = ask(address, "POST", &format!("/s/0/{}/xhr?node=7", session()), &[], "").await;
    assert_eq!(named.header("set-cookie"), Some("node=7"));
    let injected = ask(address, "POST", &format!("/s/0/{}/xhr?node=7%0d%0aX-A:1", session()), &[], "").await;
    assert_eq!((injected.status, injected.header("set-cookie"), injected.header("x-a")), (200, None, None));
}
