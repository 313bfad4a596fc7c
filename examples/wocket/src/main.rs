//! `cargo run -p wocket`, then connect a wocket client to ws://127.0.0.1:3004/ws.

use std::time::Duration;
use tsugi::{SocketConfig, Value};
use wocket::{Answer, Hall, Wocket};

async fn chat(hall: Hall, mut text: Vec<Value>) -> Answer {
    hall.broadcast("chat-broadcast", text.pop()?);
    None
}

async fn add(_: Hall, numbers: Vec<Value>) -> Answer {
    let number = |value: Value| if let Value::Integer(number) = value { Some(number) } else { None };
    let sum: Option<i64> = numbers.into_iter().map(number).sum();
    Some(sum.map(Value::Integer).ok_or("add takes numbers".to_owned()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wocket = Wocket::new(Duration::from_secs(30)).on("chat", chat).on("add", add);
    let app = axum::Router::new().route_service("/ws", wocket.sockets(SocketConfig::default()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3004").await?;
    println!("wocket at ws://{}/ws", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
