//! Recorded and hostile clients against the interop server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests: a panic is how they fail")]

mod bad_input;
mod binary;
mod rows;
mod sente;
mod several;
mod sockjs;

use std::net::SocketAddr;

/// An interop server of this test's own; it ends with the test's runtime.
async fn serve() -> SocketAddr {
    let interop = interop::Interop::new().expect("the settings are good");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, interop.app()).await });
    address
}
