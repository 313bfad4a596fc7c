//! `cargo run -p raw-echo`, then connect any WebSocket client to ws://127.0.0.1:3002/echo.

use tsugi::socket::SendError;
use tsugi::{Socket, SocketConfig, Sockets};

async fn echo(socket: Socket) -> Result<(), SendError> {
    let (mut incoming, mut outgoing, _errors) = socket.split();
    while let Some(message) = incoming.recv().await {
        outgoing.send(message).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = axum::Router::new().route_service("/echo", Sockets::new(SocketConfig::default(), echo));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3002").await?;
    println!("echo at ws://{}/echo", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
