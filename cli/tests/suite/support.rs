//! A server in this process, and the command beside it.

use serde_json::Value as Json;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use tokio::runtime::Runtime;
use tsugi::codec::{Edn, Json as JsonCodec};
use tsugi::{
    BoxError, Client, CloseCode, Data, Event, Failure, Identity, NoReply, Raw, Refusal, Router, Server, Socket,
    SocketConfig, Sockets, Target, Value,
};

/// Longer than anything here takes, in milliseconds.
#[cfg(unix)]
pub(crate) const PATIENCE: u64 = 60_000;

/// `/chsk` for events, `/sente` as a Sente server has them, `/csrf` where a token is wanted, `/closed` and `/no` where nobody is, `/echo` for plain sockets.
pub(crate) struct Servers {
    runtime: Option<Runtime>,
    address: SocketAddr,
}

impl Servers {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let address = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, app()).await });
            address
        });
        Self { runtime: Some(runtime), address }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// `tsugi connect` with options, on an endpoint.
    pub(crate) fn connect(&self, path: &str, options: &[&str]) -> Command {
        let mut command = tsugi();
        command.arg("connect").args(options).arg(self.url(path));
        command
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn app() -> axum::Router {
    let server = || {
        Server::builder().codec(Edn::new()).codec(JsonCodec::new()).router(router()).identify(|request| {
            let user = request.headers().get("x-user").and_then(|user| user.to_str().ok()).or(request.param("uid"));
            Ok(user.map_or_else(Identity::anonymous, Identity::user))
        })
    };
    let events = server().build().unwrap();
    let csrf = server().csrf(|_| Some("token of the page".to_owned())).build().unwrap();
    let closed = server().reject(|_| Some(Refusal::forbidden())).build().unwrap();
    axum::Router::new()
        .route_service("/chsk", events.service())
        .route_service("/csrf", csrf.service())
        .route("/sente", axum::routing::any_service(events.service()).layer(axum::middleware::map_request(as_sente)))
        .route_service("/closed", closed.service())
        .route("/no", axum::routing::any(|| async { (axum::http::StatusCode::FORBIDDEN, "not you") }))
        .route_service("/echo", Sockets::new(SocketConfig::default(), echo))
}

fn router() -> Router {
    Router::new()
        .on("test/echo", async |Raw(value): Raw| Value::Map(vec![(Value::keyword("echo"), value)]))
        .on("test/none", async || ())
        .on("test/late", async || NoReply)
        .on("test/fail", async || -> Result<(), Failure> { Err(Failure::new("sold-out", "no seats left")) })
        .on("test/push", async |client: Client, Data(count): Data<i64>, server: Server| {
            for n in 0..count {
                let user = client.user.as_ref().map_or(Target::Anonymous, Target::from);
                server.push(user, Event::new("srv/n", &n)).await.map(drop).unwrap();
            }
        })
        .on("test/leave", async |client: Client, server: Server| {
            let user = client.user.as_ref().map_or(Target::Anonymous, Target::from);
            server.close(user, CloseCode::app(4500), "signed out").await.map(drop).unwrap();
        })
}

/// A Sente server knows nothing of what Tsugi's clients ask for, and is then what the conformance tests say a Sente server is.
async fn as_sente(mut request: axum::extract::Request) -> axum::extract::Request {
    let query = request.uri().query().unwrap_or_default();
    let known = query.split('&').filter(|pair| !pair.starts_with("tsugi=") && !pair.starts_with("codec="));
    let path = format!("/sente?{}", known.collect::<Vec<_>>().join("&"));
    *request.uri_mut() = path.parse().unwrap();
    request
}

/// Echoes; "bye" closes.
async fn echo(socket: Socket) -> Result<(), BoxError> {
    let (mut incoming, mut outgoing, _errors) = socket.split();
    while let Some(message) = incoming.recv().await {
        if message.as_bytes().as_ref() == b"bye" {
            outgoing.close(1000, "as you say")?;
            return Ok(());
        }
        outgoing.send(message).await?;
    }
    Ok(())
}

/// The command, without anything of the one who runs the tests.
pub(crate) fn tsugi() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsugi"));
    for name in ["TSUGI_HEADER", "TSUGI_CSRF_TOKEN", "TSUGI_CLIENT_ID", "TSUGI_HISTORY"] {
        command.env_remove(name);
    }
    command
}

/// What a command made of its input.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The lines of JSON, but for what says how the connection is doing.
    pub(crate) fn json(&self) -> Vec<Json> {
        let lines = self.out.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        lines.filter(|line| line["type"] != "state").collect()
    }
}

pub(crate) fn run(command: &mut Command, input: &str) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Whoever ends before it has read everything is looked at by what it says.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}
