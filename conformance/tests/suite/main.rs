//! Recorded and hostile clients against the interop server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests: a panic is how they fail")]

mod bad_input;
mod beyond;
mod binary;
mod client;
mod codecs;
mod older;
mod rows;
mod sente;
mod several;
mod sockjs;
mod tables;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Longer than anything that is asked for again and again takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);

/// Asks until the answer holds; panics with the last one when it never does.
async fn until(mut ask: impl AsyncFnMut() -> String, holds: impl Fn(&str) -> bool) -> String {
    let start = Instant::now();
    loop {
        let answer = ask().await;
        if holds(&answer) {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "it never came: {answer}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An interop server of this test's own; it ends with the test's runtime.
async fn serve() -> SocketAddr {
    listen(interop::Interop::new().expect("the settings are good")).await
}

async fn listen(interop: interop::Interop) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, interop.app()).await });
    address
}
