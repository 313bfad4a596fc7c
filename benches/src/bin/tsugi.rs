//! Tsugi: typed handlers, every option at its default but the limits that a load from one machine meets, and no batch
//! window, since sessions of Tsugi clients have none.

use tsugi::{Data, Event, Failed, Limits, Origins, Router, Server};

async fn echo(Data(text): Data<String>) -> Data<String> {
    Data(text)
}

async fn broadcast(Data(text): Data<String>, server: Server) -> Result<(), Failed> {
    server.broadcast(Event::new("bench/said", &text)).await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limits = Limits::default().max_handshakes(20_000).max_sessions_per_address(20_000);
    let server = Server::builder()
        .origins(Origins::Any)
        .limits(limits)
        .router(Router::new().on("bench/echo", echo).on("bench/broadcast", broadcast))
        .build()?;
    let app = axum::Router::new().route_service("/chsk", server.service());
    let listener = tsugi_benches::listen().await?;
    Ok(axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |io| {
            let _ = io.set_nodelay(true);
        }),
        app,
    )
    .await?)
}
