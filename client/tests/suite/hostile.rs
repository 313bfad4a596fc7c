//! Bad things that a server can do: each ends in a state with its reason.

use crate::support::{in_time, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tsugi_client::{Client, CloseCode, ConnectError, Loss, Paths, Reason, State};
use tsugi_proto::websocket::accept_key;

/// A server that answers every request on a connection with the same bytes, after an upgrade where `upgrades`.
async fn answers(answer: Vec<u8>, upgrades: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_one(stream, answer.clone(), upgrades));
        }
    });
    format!("http://{address}/chsk")
}

async fn answer_one(mut stream: TcpStream, answer: Vec<u8>, upgrades: bool) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if upgrades {
        let line =
            |line: &str| line.to_lowercase().strip_prefix("sec-websocket-key:").map(|_| line[18..].trim().to_owned());
        let key = head.lines().find_map(line).unwrap_or_default();
        let accept = accept_key(key.as_bytes());
        let upgrade = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(upgrade.as_bytes()).await?;
    }
    stream.write_all(&answer).await?;
    if !upgrades {
        return stream.shutdown().await;
    }
    // Until the client has had enough.
    let mut rest = [0; 256];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

async fn loss(answer: impl Into<Vec<u8>>, upgrades: bool, paths: Paths) -> Loss {
    let url = answers(answer.into(), upgrades).await;
    let client = Client::builder().transports(paths).max_message(1000).connect(&url).unwrap();
    match until(&client, |state| matches!(state, State::Waiting { .. } | State::Closed(_))).await {
        State::Waiting { loss, .. } | State::Closed(loss) => loss,
        _ => unreachable!(),
    }
}

#[tokio::test]
async fn frames_of_garbage_are_a_broken_rule() {
    let masked = loss(*b"\x81\x80abcd", true, Paths::WebSocket).await;
    assert_eq!(masked.code, Some(CloseCode::PROTOCOL));
    let nonsense = loss(*b"\x81\x05hello", true, Paths::WebSocket).await;
    assert_eq!(nonsense.reason, Reason::BadFrame);
}

#[tokio::test]
async fn a_message_without_end_is_cut_off() {
    let endless = loss(*b"\x81\x7f\x00\x00\x00\x7f\xff\xff\xff\xff", true, Paths::WebSocket).await;
    assert_eq!(endless.code, Some(CloseCode::TOO_LARGE));
    let body = format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{}", "a".repeat(5000));
    assert_eq!(loss(body, false, Paths::Poll).await.reason, Reason::Network);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_busy_server_is_left_alone_for_as_long_as_it_says() {
    let redirect =
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(loss(redirect, false, Paths::Both).await.status, Some(302));
    let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    for paths in [Paths::Both, Paths::WebSocket] {
        let loss = loss(busy, false, paths).await;
        assert_eq!((loss.reason, loss.retry_after), (Reason::Busy, Some(std::time::Duration::from_secs(7))));
    }
}

#[tokio::test]
async fn an_upgrade_that_is_none_is_no_websocket() {
    let other = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
    assert_eq!(loss(other, false, Paths::WebSocket).await.reason, Reason::Network);
}

#[tokio::test]
async fn a_server_without_tls_behind_an_https_url_is_a_failed_network() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/chsk", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").await;
        }
    });
    let client = Client::connect(&url).unwrap();
    let state = in_time(until(&client, |state| matches!(state, State::Waiting { .. }))).await;
    assert!(matches!(state, State::Waiting { loss, .. } if loss.reason == Reason::Network));
}

#[tokio::test]
async fn a_url_that_is_none_and_a_header_that_cannot_be_sent_are_errors_at_once() {
    assert!(matches!(Client::connect("/chsk"), Err(ConnectError::Url(_))));
    let header = Client::builder().header("x", "a\nb").connect("http://127.0.0.1:1/");
    assert!(matches!(header, Err(ConnectError::Header(_))));
}
