//! Plain sockets: the rows R1–R17 of what a channel-shaped handler must show.

use crate::support::{Client, eventually, request, serve};
use futures_util::{SinkExt, StreamExt};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tsugi::socket::{SendError, SocketError};
use tsugi::{BoxError, Message, Origins, Socket, SocketConfig, Sockets};
use tsugi_proto::session::ClosedBy;
use tsugi_proto::websocket::Incoming;

fn config() -> SocketConfig {
    SocketConfig::default().origins(Origins::Any)
}

async fn serve_sockets<F, Fut>(config: SocketConfig, handler: F) -> (SocketAddr, Sockets)
where
    F: Fn(Socket) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let sockets = Sockets::new(config, handler);
    let address = serve(axum::Router::new().route_service("/raw", sockets.clone())).await;
    (address, sockets)
}

async fn echo(socket: Socket) -> Result<(), BoxError> {
    let (mut incoming, mut outgoing, _errors) = socket.split();
    while let Some(message) = incoming.recv().await {
        outgoing.send(message).await?;
    }
    Ok(())
}

#[tokio::test]
async fn r1_an_echo_keeps_order_and_type() {
    let (address, _) = serve_sockets(config(), echo).await;
    let mut client = Client::connect(address, "/raw").await;
    for block in 0..100 {
        for n in 0..100 {
            let text = format!("{block}/{n}");
            client.send_frame(if n % 2 == 0 { 0x1 } else { 0x2 }, text.as_bytes()).await;
        }
        for n in 0..100 {
            let text = format!("{block}/{n}");
            let expected = if n % 2 == 0 { Message::text(text) } else { Message::binary(text) };
            assert_eq!(client.next().await, Some(Incoming::Message(expected)));
        }
    }
}

#[tokio::test]
async fn r2_a_handler_that_ends_closes_with_1000() {
    let (address, _) = serve_sockets(config(), async |_| Ok(())).await;
    assert_eq!(Client::connect(address, "/raw").await.close().await, (1000, String::new()));
}

#[tokio::test]
async fn r3_a_handler_that_fails_or_panics_closes_with_1011_and_disturbs_nobody() {
    let (address, sockets) = serve_sockets(config(), async |socket: Socket| match socket.request().param("how") {
        Some("fail") => Err("on purpose".into()),
        Some("panic") => panic!("on purpose"),
        _ => echo(socket).await,
    })
    .await;
    let mut bystander = Client::connect(address, "/raw").await;
    for how in ["fail", "panic"] {
        let mut client = Client::connect(address, &format!("/raw?how={how}")).await;
        assert_eq!(client.close().await.0, 1011, "{how}");
    }
    bystander.send("still here").await;
    assert_eq!(bystander.text().await, "still here");
    assert_eq!(sockets.open(), 1);
}

#[tokio::test]
async fn r4_an_explicit_close_is_exact_and_ends_writing() {
    let (told, mut results) = mpsc::unbounded_channel();
    let (address, _) = serve_sockets(config(), move |socket: Socket| {
        let told = told.clone();
        async move {
            let code = socket.request().param("code").unwrap_or_default().parse()?;
            let reason = socket.request().param("reason").unwrap_or_default().to_owned();
            let (_incoming, mut outgoing, _errors) = socket.split();
            outgoing.send("before").await?;
            outgoing.close(code, &reason)?;
            let _ = told.send(outgoing.send("after").await);
            Ok(())
        }
    })
    .await;
    for (code, reason) in [(1001, "Gone Away"), (4000, "x")] {
        let path = format!("/raw?code={code}&reason={}", reason.replace(' ', "%20"));
        let mut client = Client::connect(address, &path).await;
        assert_eq!(client.text().await, "before");
        assert_eq!(client.close().await, (code, reason.to_owned()));
        assert!(matches!(results.recv().await, Some(Err(SendError::Closed(_)))));
    }
}

#[tokio::test]
async fn r5_a_close_that_may_not_be_sent_is_refused_at_the_call() {
    let (told, mut refused) = mpsc::unbounded_channel();
    let (address, _) = serve_sockets(config(), move |socket: Socket| {
        let told = told.clone();
        async move {
            let (_incoming, outgoing, _errors) = socket.split();
            for code in [0, 5, 999, 1004, 1005, 1006, 1015, 5000] {
                let _ = told.send(outgoing.close(code, "").is_err());
            }
            let _ = told.send(outgoing.close(1000, &"x".repeat(124)).is_err());
            Ok(())
        }
    })
    .await;
    let mut client = Client::connect(address, "/raw").await;
    for _ in 0..9 {
        assert_eq!(refused.recv().await, Some(true));
    }
    assert_eq!(client.close().await.0, 1000);
}

#[tokio::test]
async fn r6_what_was_unread_at_the_peers_close_is_still_delivered_with_its_code() {
    let start = Arc::new(Notify::new());
    let (told, mut results) = mpsc::unbounded_channel();
    let go = Arc::clone(&start);
    let (address, _) = serve_sockets(config(), move |socket: Socket| {
        let (told, go) = (told.clone(), Arc::clone(&go));
        async move {
            let (mut incoming, _outgoing, _errors) = socket.split();
            go.notified().await;
            let mut texts = Vec::new();
            while let Some(message) = incoming.recv().await {
                texts.push(message);
            }
            let _ = told.send((texts, incoming.closed()));
            Ok(())
        }
    })
    .await;
    let mut client = Client::connect(address, "/raw").await;
    client.send("one").await;
    client.send("two").await;
    client.send_frame(0x8, b"\x0f\xa1bye").await;
    assert_eq!(client.close().await, (4001, "bye".to_owned()));
    start.notify_one();
    let (texts, closed) = results.recv().await.unwrap();
    assert_eq!(texts, [Message::text("one"), Message::text("two")]);
    let closed = closed.unwrap();
    assert_eq!((closed.close.code.get(), closed.close.reason.as_str(), closed.by), (4001, "bye", ClosedBy::Peer));
}

#[tokio::test]
async fn r7_a_peer_that_vanishes_ends_the_receiver_as_abnormal() {
    let (told, mut results) = mpsc::unbounded_channel();
    let config = config().keep_alive(Some(Duration::from_millis(50))).ping_timeout(Some(Duration::from_millis(50)));
    let (address, _) = serve_sockets(config, move |socket: Socket| {
        let told = told.clone();
        async move {
            let (mut incoming, _outgoing, mut errors) = socket.split();
            assert_eq!(incoming.recv().await, None);
            let _ = told.send((incoming.closed().map(|closed| closed.close.code.get()), errors.recv().await));
            Ok(())
        }
    })
    .await;
    let reset = Client::connect(address, "/raw").await;
    drop(reset);
    assert_eq!(results.recv().await, Some((Some(1006), Some(SocketError::Lost))));
    // Half open: it stays connected and answers nothing.
    let _mute = Client::connect(address, "/raw").await;
    assert_eq!(results.recv().await, Some((Some(1006), Some(SocketError::Lost))));
}

#[tokio::test]
async fn r8_a_handler_that_does_not_read_makes_the_peer_wait_and_loses_nothing() {
    const COUNT: usize = 2_000;
    let start = Arc::new(Notify::new());
    let seen = Arc::new(AtomicUsize::new(0));
    let (go, counter) = (Arc::clone(&start), Arc::clone(&seen));
    let (address, _) = serve_sockets(config(), move |socket: Socket| {
        let (go, counter) = (Arc::clone(&go), Arc::clone(&counter));
        async move {
            let (mut incoming, _outgoing, _errors) = socket.split();
            go.notified().await;
            while let Some(message) = incoming.recv().await {
                assert_eq!(message.len(), 32 * 1024);
                counter.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        }
    })
    .await;
    let mut client = Client::connect(address, "/raw").await;
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let writer = tokio::spawn(async move {
        for _ in 0..COUNT {
            client.send_frame(0x2, &[7; 32 * 1024]).await;
            count.fetch_add(1, Ordering::Relaxed);
        }
        client
    });
    // The writer stalls far from its 64 MB: what the system's buffers and the inbox hold is all that was taken.
    let mut before = usize::MAX;
    eventually(|| {
        let now = written.load(Ordering::Relaxed);
        std::mem::replace(&mut before, now) == now && now > 0
    })
    .await;
    assert!(before < COUNT, "{before} messages were written to a handler that reads none");
    start.notify_one();
    let _client = writer.await.unwrap();
    eventually(|| seen.load(Ordering::Relaxed) == COUNT).await;
}

#[tokio::test]
async fn r9_a_peer_that_does_not_read_makes_send_wait_and_is_given_up() {
    let (told, mut results) = mpsc::unbounded_channel();
    let limit = Duration::from_millis(200);
    let (address, sockets) = serve_sockets(config().send_timeout(Some(limit)), move |socket: Socket| {
        let told = told.clone();
        async move {
            let (_incoming, mut outgoing, _errors) = socket.split();
            let mut sent = 0_usize;
            loop {
                if let Err(error) = outgoing.send(Message::binary(vec![0; 64 * 1024])).await {
                    let _ = told.send((sent, error));
                    return Ok(());
                }
                sent += 1;
            }
        }
    })
    .await;
    let _sleeper = Client::connect(address, "/raw").await;
    let (sent, error) = results.recv().await.unwrap();
    assert_eq!(error, SendError::Timeout(limit));
    assert!(sent < 1_000, "{sent} messages of 64 KiB were taken for a peer that reads none");
    eventually(|| sockets.open() == 0).await;
}

#[tokio::test]
async fn r10_a_broken_protocol_is_told_to_the_handler_and_closed_by_name() {
    let (told, mut errors) = mpsc::unbounded_channel();
    let (address, _) = serve_sockets(config().max_message(1_000), move |socket: Socket| {
        let told = told.clone();
        async move {
            let (mut incoming, _outgoing, mut errors) = socket.split();
            while incoming.recv().await.is_some() {}
            let _ = told.send(errors.recv().await);
            Ok(())
        }
    })
    .await;
    let cases: [(u8, &[u8], u16); 3] = [(0x1, b"\xff", 1007), (0x1, &[b'x'; 1_001], 1009), (0x3, b"x", 1002)];
    for (opcode, payload, code) in cases {
        let mut client = Client::connect(address, "/raw").await;
        client.send_frame(opcode, payload).await;
        assert_eq!(client.close().await.0, code);
        // The server hangs up first; it cannot read an answer to its close any more.
        let hung_up = tokio::time::timeout(Duration::from_secs(2), client.next()).await;
        assert_eq!(hung_up, Ok(None));
        match errors.recv().await {
            Some(Some(SocketError::Protocol(close))) => assert_eq!(close.code.get(), code),
            other => panic!("expected {code}, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn r11_a_send_to_a_vanished_peer_is_an_error_and_nothing_is_left() {
    let (address, sockets) = serve_sockets(config(), async |socket: Socket| {
        let (_incoming, mut outgoing, _errors) = socket.split();
        loop {
            if outgoing.send(Message::binary(vec![0; 1024])).await.is_err() {
                return Ok(());
            }
        }
    })
    .await;
    for _ in 0..20 {
        drop(Client::connect(address, "/raw").await);
    }
    eventually(|| sockets.open() == 0).await;
}

#[tokio::test]
async fn r12_what_is_sent_before_the_socket_is_open_arrives_first() {
    let (address, _) = serve_sockets(config(), async |socket: Socket| {
        let (mut incoming, mut outgoing, _errors) = socket.split();
        outgoing.send("first").await?;
        outgoing.send("second").await?;
        while incoming.recv().await.is_some() {}
        Ok(())
    })
    .await;
    let mut client = Client::connect(address, "/raw").await;
    assert_eq!(client.text().await, "first");
    assert_eq!(client.text().await, "second");
}

#[tokio::test]
async fn r13_pings_are_answered_with_their_payload_and_a_silent_peer_is_pinged_and_dropped() {
    let config = config().keep_alive(Some(Duration::from_millis(100))).ping_timeout(Some(Duration::from_millis(100)));
    let (address, sockets) = serve_sockets(config, echo).await;
    let mut client = Client::connect(address, "/raw").await;
    client.send_frame(0x9, b"are you there").await;
    assert_eq!(client.next().await, Some(Incoming::Pong("are you there".into())));
    assert!(matches!(client.next().await, Some(Incoming::Ping(_))));
    assert_eq!(client.close().await.0, 3001);
    eventually(|| sockets.open() == 0).await;
}

#[tokio::test]
async fn r14_a_subprotocol_is_one_of_those_offered() {
    let protocols = vec!["chat.v2".to_owned(), "chat.v1".to_owned()];
    let (address, _) = serve_sockets(config().protocols(protocols), echo).await;
    for (offered, chosen) in [("chat.v1", Some("chat.v1")), ("chat.v1, chat.v2", Some("chat.v2")), ("other", None)] {
        let head = upgrade_head(address, &format!("Sec-WebSocket-Protocol: {offered}\r\n")).await;
        let answered = head.lines().find_map(|line| line.strip_prefix("sec-websocket-protocol: "));
        assert_eq!(answered, chosen, "{offered}");
    }
}

async fn upgrade_head(address: SocketAddr, headers: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "GET /raw HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        seen.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(seen).unwrap().to_lowercase()
}

#[tokio::test]
async fn r15_a_message_beyond_the_limit_closes_with_1009() {
    let (address, _) = serve_sockets(config(), echo).await;
    let mut client = Client::connect(address, "/raw").await;
    client.send_frame(0x2, &vec![1; 64 * 1024]).await;
    assert!(matches!(client.next().await, Some(Incoming::Message(message)) if message.len() == 64 * 1024));
    client.send_frame(0x2, &vec![1; 64 * 1024 + 1]).await;
    assert_eq!(client.close().await.0, 1009);
}

#[tokio::test]
async fn r16_a_clone_of_the_sender_keeps_the_socket_open_and_its_drop_closes_it() {
    let end = Arc::new(Notify::new());
    let stop = Arc::clone(&end);
    let (address, _) = serve_sockets(config(), move |socket: Socket| {
        let stop = Arc::clone(&stop);
        async move {
            let (_incoming, mut outgoing, _errors) = socket.split();
            let mut forwarded = outgoing.clone();
            outgoing.send("from the handler").await?;
            tokio::spawn(async move {
                let _ = forwarded.send("from another task").await;
                stop.notified().await;
            });
            Ok(())
        }
    })
    .await;
    let mut client = Client::connect(address, "/raw").await;
    assert_eq!(client.text().await, "from the handler");
    assert_eq!(client.text().await, "from another task");
    client.send_frame(0x9, b"open?").await;
    assert_eq!(client.next().await, Some(Incoming::Pong("open?".into())));
    end.notify_one();
    assert_eq!(client.close().await.0, 1000);
}

#[tokio::test]
async fn r17_a_socket_is_a_stream_and_a_sink() {
    let (address, _) = serve_sockets(config(), async |socket: Socket| {
        let (incoming, outgoing, _errors) = socket.split();
        let shouted = incoming.map(|message| match message {
            Message::Text(text) => Ok(Message::text(text.to_uppercase())),
            bytes => Ok(bytes),
        });
        shouted.forward(outgoing.sink_map_err(BoxError::from)).await
    })
    .await;
    let mut client = Client::connect(address, "/raw").await;
    client.send("hallo").await;
    assert_eq!(client.text().await, "HALLO");
    client.send_frame(0x8, b"\x03\xe8").await;
    assert_eq!(client.close().await.0, 1000);
}

#[tokio::test]
async fn w22_plain_http_on_the_route_is_refused_at_once() {
    let (address, sockets) = serve_sockets(config(), echo).await;
    assert_eq!(request(address, "GET", "/raw", "", "").await.status, 426);
    assert_eq!(request(address, "POST", "/raw", "", "x").await.status, 405);
    let old = "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 8\r\n";
    assert_eq!(request(address, "GET", "/raw", old, "").await.status, 426);
    let keyless = "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n";
    assert_eq!(request(address, "GET", "/raw", keyless, "").await.status, 400);
    assert_eq!(sockets.open(), 0);
}

#[tokio::test]
async fn c9_a_shutdown_closes_every_socket_with_1001_and_waits_for_handlers() {
    let finished = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&finished);
    let (address, sockets) = serve_sockets(config(), move |socket: Socket| {
        let count = Arc::clone(&count);
        async move {
            let outcome = echo(socket).await;
            count.fetch_add(1, Ordering::Relaxed);
            outcome
        }
    })
    .await;
    let mut clients = [Client::connect(address, "/raw").await, Client::connect(address, "/raw").await];
    let ending = tokio::spawn(async move { sockets.shutdown(Duration::from_secs(10)).await });
    for client in &mut clients {
        assert_eq!(client.close().await.0, 1001);
        client.send_frame(0x8, b"\x03\xe9").await;
    }
    ending.await.unwrap();
    assert_eq!(finished.load(Ordering::Relaxed), 2);
    assert_eq!(Client::try_connect(address, "/raw", "").await.err(), Some(503));
}
