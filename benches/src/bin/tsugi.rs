//! Tsugi, with typed handlers. Every option is at its default but the limits that a load from one machine meets. There is
//! no batch window: sessions of Tsugi's own clients and of SockJS have none.

use axum::serve::ListenerExt;
use tsugi::{Data, Event, Failed, Identity, Limits, Origins, Router, Server, UserId};
use tsugi_benches::Error;

async fn echo(Data(text): Data<String>) -> Data<String> {
    Data(text)
}

async fn broadcast(Data(text): Data<String>, server: Server) -> Result<(), Failed> {
    server.broadcast(Event::new("bench/said", &text)).await?;
    Ok(())
}

async fn push(Data((to, text)): Data<(String, String)>, server: Server) -> Result<(), Failed> {
    server.push(&UserId::from(to), Event::new("bench/said", &text)).await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let limits = Limits::default().max_handshakes(20_000).max_sessions_per_address(20_000);
    let router = Router::new().on("bench/echo", echo).on("bench/broadcast", broadcast).on("bench/push", push);
    let server = Server::builder()
        .identify(|request| Ok(request.param("uid").map_or_else(Identity::anonymous, Identity::user)))
        .origins(Origins::Any)
        .limits(limits)
        .router(router)
        .build()?;
    let app = axum::Router::new().route_service("/chsk", server.service()).nest_service("/sockjs", server.sockjs());
    let listener = tsugi_benches::listen().await?.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, app).await?)
}
