//! The server that `cargo xtask autobahn` puts to the question: a plain socket that echoes, behind axum.
//!
//! Prints its port, and serves until its input ends.

use axum::Router;
use std::io::Read;
use tsugi::socket::SendError;
use tsugi::{Origins, Socket, SocketConfig, Sockets};

/// The largest message of the suite has 16 MiB.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

async fn echo(socket: Socket) -> Result<(), SendError> {
    let (mut incoming, mut outgoing, _errors) = socket.split();
    while let Some(message) = incoming.recv().await {
        outgoing.send(message).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The suite counts every frame, so no pings of our own.
    let config = SocketConfig::default().origins(Origins::Any).max_message(MAX_MESSAGE).keep_alive(None);
    let app = Router::new().route_service("/", Sockets::new(config, echo));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    tokio::spawn(async move { axum::serve(listener, app).await });
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}
