//! `cargo run -p sockjs-chat`: one room over SockJS at http://127.0.0.1:3003.

mod room;

use axum::response::Html;
use axum::routing::get;
use axum::serve::ListenerExt;
use clap::Parser;
use room::Room;
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tsugi::{SockJsConfig, SocketConfig, Sockets};

/// One room over SockJS: guests, names, who is there.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// The port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 3003)]
    port: u16,
    /// The address to listen on; 0.0.0.0 lets other machines in
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
}

/// How long handlers have to finish.
const GRACE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN).init();
    let room = Arc::<Room>::default();
    let sockets = Sockets::new(SocketConfig::default(), move |socket| Arc::clone(&room).welcome(socket));
    // The iframe transports want the client in exactly the version of the page, so both load the same file.
    let sockjs = sockets.sockjs_with(SockJsConfig::default().sockjs_url("/sockjs.min.js".to_owned()))?;
    let script = || async { ([("content-type", "text/javascript")], include_str!("../page/sockjs.min.js")) };
    let app = axum::Router::new()
        .route("/", get(Html(include_str!("../page/index.html"))))
        .route("/sockjs.min.js", get(script))
        .nest_service("/chat", sockjs);
    let listener = TcpListener::bind((options.host, options.port))
        .await
        .map_err(|error| format!("cannot listen on {}:{}: {error}", options.host, options.port))?;
    println!("sockjs-chat at http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let serve = axum::serve(listener, app).with_graceful_shutdown(async move {
        stop_signal().await;
        // Before the web server, which would wait for held polls and streams.
        sockets.shutdown(GRACE).await;
        let _ = stopping.send(());
    });
    tokio::select! {
        served = serve => served?,
        // Browsers keep connections open in case they need them: they are not waited for.
        () = async { if stopped.await.is_ok() { tokio::time::sleep(Duration::from_secs(1)).await } } => {}
    }
    Ok(())
}

/// Comes with ctrl-c, and with SIGTERM where there is such a thing.
async fn stop_signal() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}
