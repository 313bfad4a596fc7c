//! Every wire, with the settings that foreign test suites and foreign clients expect. A test fixture, built from the
//! library's public API alone; it listens on the loopback interface only.
//!
//! Run it with `cargo run --release -p interop -- --port 9801`.

use clap::Parser;
use interop::Interop;
use std::net::Ipv4Addr;
use tokio::signal::unix::{SignalKind, signal};
use tsugi::SockJsProfile;

#[derive(Parser)]
#[command(about = "Serves every wire of Tsugi to foreign clients and test suites, on 127.0.0.1")]
struct Arguments {
    /// The port; 0 takes any that is free. The address is printed.
    #[arg(long, default_value_t = 9801)]
    port: u16,
    /// The bytes of SockJS: those of today, or those of the text 0.3.3 to the letter.
    #[arg(long, value_name = "PROFILE", default_value = "current", value_parser = ["current", "0.3.3"])]
    sockjs_profile: String,
}

/// What this program was asked for cannot be done.
type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::WARN).init();
    let profile = if arguments.sockjs_profile == "0.3.3" { SockJsProfile::V0_3_3 } else { SockJsProfile::Current };
    let interop = Interop::with_sockjs(profile)?;
    let app = interop.app();
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(tokio_no_delay(listener), app).with_graceful_shutdown(stop(interop)).await?;
    Ok(())
}

/// Small frames must not wait for each other.
fn tokio_no_delay(listener: tokio::net::TcpListener) -> impl axum::serve::Listener<Addr = std::net::SocketAddr> {
    use axum::serve::ListenerExt;
    listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    })
}

/// Waits for SIGTERM or an interrupt, and ends the servers before the web server, which waits for held polls.
async fn stop(interop: Interop) {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    interop.stop().await;
}
