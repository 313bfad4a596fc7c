//! `cargo run --release`: the chat at http://127.0.0.1:3000.

use axum::serve::ListenerExt;
use chat::store::Store;
use clap::Parser;
use std::error::Error;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;
use tsugi::Server;

/// A chat for the browser: rooms, history, who is online, on all your devices.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// The port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// The address to listen on; 0.0.0.0 lets other machines in
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// The file that keeps what is said; made if it is not there
    #[arg(long, value_name = "FILE", default_value = "chat.db")]
    db: PathBuf,
    /// A folder with another page, which is at /page then
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,
}

/// How long clients have to take their last messages, and then the web server its last requests.
const GRACE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(std::io::stderr).init();
    let store = Store::open(&options.db).map_err(|error| format!("{}: {error}", options.db.display()))?;
    let (mut app, server) = chat::app(store)?;
    if let Some(folder) = &options.page {
        let page = chat::page::router(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        app = app.merge(page);
    }
    let listener = TcpListener::bind((options.host, options.port))
        .await
        .map_err(|error| format!("cannot listen on {}:{}: {error}", options.host, options.port))?;
    println!("chat at http://{}", listener.local_addr()?);
    // Small messages should leave at once. That it cannot be set on a socket which is already gone hurts nobody.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let serve = axum::serve(listener, app).with_graceful_shutdown(async {
        stop(server).await;
        let _ = stopping.send(());
    });
    tokio::select! {
        served = serve => served?,
        // Browsers keep connections open in case they need them: they are not waited for any longer than this.
        () = async { if stopped.await.is_ok() { tokio::time::sleep(GRACE).await } } => {}
    }
    Ok(())
}

/// Waits for ctrl-c or SIGTERM and then shuts the channels down, before the web server would wait for held polls.
async fn stop(server: Server) {
    let interrupted = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "ctrl-c cannot be heard");
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupted => {}
        () = terminated() => {}
    }
    server.shutdown(GRACE).await;
}

#[cfg(unix)]
async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(error) => {
            tracing::error!(%error, "SIGTERM cannot be heard");
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending::<()>().await;
}
