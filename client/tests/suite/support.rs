//! Servers, and a little patience.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tsugi::{Data, Event, Identity, Router, Server, ServerBuilder, User, Value};
use tsugi_client::{Client, ClientBuilder, Notice, Open, State, Transport};

/// Longer than anything here takes; a test that waits for this has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server that echoes and counts; the user is the header `x-user`.
pub(crate) fn builder() -> ServerBuilder {
    let router = Router::new()
        .on("test/echo", async |Data(value): Data<Value>| Data(value))
        .on("test/note", async |Data(_): Data<i64>| ())
        .on("test/push", async |User(user): User, Data(count): Data<i64>, server: Server| {
            for n in 0..count {
                server.push(&user, Event::new("srv/n", &n)).await.map(|_| ()).expect("pushed");
            }
        });
    Server::builder()
        .identify(|request| {
            let user = request.headers().get("x-user").and_then(|user| user.to_str().ok());
            Ok(user.map_or_else(Identity::anonymous, Identity::user))
        })
        .router(router)
}

pub(crate) async fn serve(app: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

pub(crate) async fn serve_events(server: &Server) -> String {
    url(serve(axum::Router::new().route_service("/chsk", server.service())).await)
}

pub(crate) fn url(address: SocketAddr) -> String {
    format!("http://{address}/chsk")
}

/// While it is shut, upgrades are answered as a proxy does that knows nothing of them.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<AtomicBool>);

impl Gate {
    pub(crate) fn shut(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn open(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    pub(crate) async fn serve(&self, server: &Server) -> String {
        url(serve(self.app(server)).await)
    }

    pub(crate) fn app(&self, server: &Server) -> axum::Router {
        let gate = self.clone();
        axum::Router::new().route_service("/chsk", server.service()).layer(axum::middleware::from_fn(
            move |request: axum::extract::Request, next: axum::middleware::Next| {
                let shut = gate.0.load(Ordering::SeqCst) && request.headers().contains_key("upgrade");
                async move {
                    if shut {
                        return axum::response::IntoResponse::into_response((
                            axum::http::StatusCode::BAD_GATEWAY,
                            "no",
                        ));
                    }
                    next.run(request).await
                }
            },
        ))
    }
}

pub(crate) fn ada() -> ClientBuilder {
    Client::builder().header("x-user", "ada")
}

pub(crate) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

pub(crate) async fn ready(client: &Client) -> Open {
    in_time(client.ready()).await.expect("a connection")
}

/// Waits until the connection is open by this transport.
pub(crate) async fn open_by(client: &Client, transport: Transport) {
    until(client, |state| matches!(state, State::Open(open) if open.transport == transport)).await;
}

pub(crate) async fn until(client: &Client, is: impl FnMut(&State) -> bool) -> State {
    let mut state = client.state();
    in_time(state.wait_for(is)).await.expect("the client lives").clone()
}

pub(crate) async fn next_event(events: &mut tsugi_client::Events) -> Event {
    match in_time(events.next()).await {
        Some(Notice::Event(event)) => event,
        other => panic!("no event: {other:?}"),
    }
}
