//! Plain sockets: in, out, err.

use crate::log::Log;
use axum::Router;
use std::time::Duration;
use tsugi::{BoxError, Origins, Socket, SocketConfig, Sockets};

fn config() -> SocketConfig {
    SocketConfig::default().origins(Origins::Any)
}

pub(crate) fn routes() -> Router<Log> {
    Router::new()
        .route_service("/raw/echo", Sockets::new(config(), echo))
        .route_service("/raw/close", Sockets::new(config(), close))
        .route_service("/raw/fail", Sockets::new(config(), fail))
        .route_service("/raw/panic", Sockets::new(config(), panic))
        .route_service("/raw/slow", Sockets::new(config(), slow))
}

async fn echo(socket: Socket) -> Result<(), BoxError> {
    let (mut incoming, mut outgoing, _errors) = socket.split();
    while let Some(message) = incoming.recv().await {
        outgoing.send(message).await?;
    }
    Ok(())
}

async fn close(socket: Socket) -> Result<(), BoxError> {
    let code = socket.request().param("code").unwrap_or("1000").parse()?;
    let reason = socket.request().param("reason").unwrap_or_default().to_owned();
    let (_incoming, outgoing, _errors) = socket.split();
    outgoing.close(code, &reason)?;
    Ok(())
}

async fn fail(_socket: Socket) -> Result<(), BoxError> {
    Err("this handler always fails".into())
}

async fn panic(_socket: Socket) -> Result<(), BoxError> {
    panic!("this handler always panics")
}

/// Never reads, so that the peer feels back-pressure. Ends with its socket.
async fn slow(socket: Socket) -> Result<(), BoxError> {
    let (incoming, _outgoing, _errors) = socket.split();
    while incoming.closed().is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
