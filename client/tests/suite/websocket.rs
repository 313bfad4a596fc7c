//! Plain WebSockets: messages, without events.

use crate::support::{in_time, serve};
use axum::http::StatusCode;
use tsugi::{BoxError, Socket, SocketConfig, Sockets};
use tsugi_client::{Client, Close, CloseCode, Message, State, WebSocket, WebSocketEnd, WebSocketError, WebSocketFull};

/// Echoes; "bye" closes.
async fn echo(socket: Socket) -> Result<(), BoxError> {
    let (mut incoming, mut outgoing, _errors) = socket.split();
    while let Some(message) = incoming.recv().await {
        if message.as_bytes().as_ref() == b"bye" {
            outgoing.close(4001, "as you say")?;
            return Ok(());
        }
        outgoing.send(message).await?;
    }
    Ok(())
}

/// Never reads.
async fn deaf(socket: Socket) -> Result<(), BoxError> {
    let (_incoming, _outgoing, _errors) = socket.split();
    std::future::pending().await
}

async fn open(path: &str) -> Result<WebSocket, WebSocketError> {
    let app = axum::Router::new()
        .route_service("/echo", Sockets::new(SocketConfig::default(), echo))
        .route_service("/deaf", Sockets::new(SocketConfig::default(), deaf))
        .route("/no", axum::routing::get(|| async { (StatusCode::FORBIDDEN, "not you") }));
    let address = serve(app).await;
    in_time(Client::builder().open_websocket(&format!("ws://{address}{path}"))).await
}

#[tokio::test]
async fn messages_go_both_ways_and_the_end_says_why() {
    let mut socket = open("/echo").await.unwrap();
    let messages = [Message::text("grüezi"), Message::binary(vec![0, 255]), Message::text("x".repeat(40_000))];
    for message in &messages {
        socket.send(message.clone()).unwrap();
    }
    for message in messages {
        assert_eq!(in_time(socket.next()).await, Ok(message));
    }
    assert!(socket.is_flushed());
    socket.send(Message::text("bye")).unwrap();
    let end = WebSocketEnd::Closed(Close::because(CloseCode::app(4001), "as you say"));
    assert_eq!(in_time(socket.next()).await, Err(end.clone()));
    assert_eq!(in_time(socket.next()).await, Err(end));
    in_time(socket.close(&Close::because(CloseCode::NORMAL, ""))).await;
}

#[tokio::test]
async fn a_goodbye_is_said_behind_what_was_sent() {
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let listener = Sockets::new(SocketConfig::default(), move |socket: Socket| {
        let heard = heard.clone();
        async move {
            let (mut incoming, _outgoing, _errors) = socket.split();
            while let Some(message) = incoming.recv().await {
                heard.send(format!("{message:?}"))?;
            }
            heard.send(format!("{:?}", incoming.closed().map(|closed| closed.close.code)))?;
            Ok::<(), BoxError>(())
        }
    });
    let address = serve(axum::Router::new().route_service("/", listener)).await;
    let mut socket = Client::builder().open_websocket(&format!("ws://{address}/")).await.unwrap();
    let said = Message::text("last words");
    socket.send(said.clone()).unwrap();
    in_time(socket.close(&Close::because(CloseCode::app(4002), "done"))).await;
    assert_eq!(in_time(hears.recv()).await, Some(format!("{said:?}")));
    assert_eq!(in_time(hears.recv()).await, Some(format!("{:?}", Some(CloseCode::app(4002)))));
}

#[tokio::test]
async fn whoever_sends_more_than_is_taken_is_told_to_wait() {
    let mut socket = open("/deaf").await.unwrap();
    let megabyte = Message::binary(vec![0; 1 << 20]);
    assert_eq!(socket.send(megabyte.clone()), Ok(()));
    assert_eq!(socket.send(megabyte.clone()), Ok(()));
    assert_eq!(socket.send(megabyte), Err(WebSocketFull));
    assert!(!socket.is_flushed());
}

#[tokio::test]
async fn a_refusal_is_told_with_its_status_and_text() {
    let refused = open("/no").await;
    assert!(
        matches!(&refused, Err(WebSocketError::Refused { status: 403, message, .. }) if message == "not you"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn nobody_there_is_told_in_the_words_of_the_system() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/chsk", listener.local_addr().unwrap());
    drop(listener);
    let nobody = in_time(Client::builder().open_websocket(&url)).await;
    assert!(matches!(&nobody, Err(WebSocketError::Unreachable(why)) if why.contains("refused")), "{nobody:?}");

    let client = Client::builder().transports(tsugi_client::Paths::WebSocket).connect(&url).unwrap();
    let waits = crate::support::until(&client, |state| matches!(state, State::Waiting { .. })).await;
    let State::Waiting { loss, .. } = waits else { unreachable!() };
    assert!(loss.message.as_ref().is_some_and(|why| why.contains("refused")), "{loss:?}");
}
