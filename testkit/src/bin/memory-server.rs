//! The server of `cargo xtask memory`: a registered user on each connection, every option at its default.
//!
//! Prints its address, then answers each line of its input with a line.

use std::io::{BufRead, Write};
use std::time::Duration;
use tsugi::{Identity, Limits, Origins, Router, Server, Times};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A client that left is forgotten soon, so that memory after many clients can be read.
    let times = Times::default().expire(Duration::from_millis(100)).grace_websocket(Duration::from_millis(100));
    let server = Server::builder()
        .identify(|request| Ok(request.param("uid").map_or_else(Identity::anonymous, Identity::user)))
        .origins(Origins::Any)
        .limits(Limits::default().max_handshakes(20_000))
        .times(times)
        .router(Router::new())
        .build()?;
    let app = axum::Router::new().route_service("/chsk", server.service());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    answer(&server).await
}

async fn answer(server: &Server) -> Result<(), Box<dyn std::error::Error>> {
    for line in std::io::stdin().lock().lines() {
        match line?.as_str() {
            // Time for the last handshakes to leave the web server's hands.
            "settle" => tokio::time::sleep(Duration::from_millis(500)).await,
            "empty" => {
                while server.sessions() > 0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            _ => {}
        }
        println!("{}", server.sessions());
        std::io::stdout().flush()?;
    }
    Ok(())
}
