//! A server that dies and comes back.

use crate::support::{ada, in_time, ready, until, url};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::runtime::Runtime;
use tsugi::{Data, Router, Server};
use tsugi_client::{GapReason, Paths, State};

/// A server that lives in a runtime of its own, so that it can be killed with every connection it has.
pub(crate) struct Mortal(Option<Runtime>, SocketAddr);

impl Mortal {
    pub(crate) fn start(address: &str, server: impl FnOnce() -> Server) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(async { server() });
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let app = axum::Router::new().route_service("/chsk", server.service());
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await
        });
        Self(Some(runtime), address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.1
    }

    pub(crate) fn kill(mut self) {
        self.0.take().unwrap().shutdown_timeout(std::time::Duration::from_secs(5));
    }
}

fn adder(sum: &Arc<AtomicI64>) -> Server {
    let sum = Arc::clone(sum);
    let router = Router::new().on("test/add", move |Data(n): Data<i64>| {
        let sum = Arc::clone(&sum);
        async move { Data(sum.fetch_add(n, Ordering::SeqCst) + n) }
    });
    Server::builder().router(router).build().unwrap()
}

impl Drop for Mortal {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

async fn survives(paths: Paths) {
    let sum = Arc::new(AtomicI64::new(0));
    let start = |address: String, sum: Arc<AtomicI64>| async move {
        tokio::task::spawn_blocking(move || Mortal::start(&address, || adder(&sum))).await.unwrap()
    };
    let server = start("127.0.0.1:0".to_owned(), Arc::clone(&sum)).await;
    let address = server.address();
    let client = ada().transports(paths).connect(&url(address)).unwrap();
    ready(&client).await;
    assert_eq!(in_time(client.request::<i64>("test/add", &1)).await.unwrap(), 1);
    let (gap, mut gaps) = tokio::sync::mpsc::unbounded_channel();
    client.on_gap(move |told| gap.send(told.why).unwrap());

    tokio::task::spawn_blocking(|| server.kill()).await.unwrap();
    let waiting = until(&client, |state| matches!(state, State::Waiting { .. })).await;
    let State::Waiting { loss, attempt, .. } = waiting else { unreachable!() };
    assert!(attempt >= 1 && loss.reason == tsugi_client::Reason::Network, "{loss:?}");
    let sent = client.send("test/add", &10).unwrap();
    let (asking, ask) = (client.clone(), tokio::sync::oneshot::channel());
    tokio::spawn(async move { ask.0.send(asking.request::<i64>("test/add", &100).await) });

    let _server = start(address.to_string(), Arc::clone(&sum)).await;
    in_time(sent.settled()).await.unwrap();
    assert_eq!(in_time(ask.1).await.unwrap().unwrap(), 111);
    until(&client, |state| matches!(state, State::Open(_))).await;
    assert_eq!(sum.load(Ordering::SeqCst), 111);
    assert_eq!(in_time(gaps.recv()).await, Some(GapReason::Restarted), "what was pushed meanwhile is lost");
}

#[tokio::test]
async fn what_was_said_while_the_server_was_dead_is_handled_once_it_is_back_over_a_websocket() {
    survives(Paths::WebSocket).await;
}

#[tokio::test]
async fn what_was_said_while_the_server_was_dead_is_handled_once_it_is_back_over_long_poll() {
    survives(Paths::Poll).await;
}
