//! axum's own `ws` with tokio's broadcast channel. Two things make it several times faster than its examples: a read
//! buffer of 4 KiB, because the default of 128 KiB is cleared at every poll, and one flush for all that is ready.

// The file and not the crate, so that no change of Tsugi builds the peers anew.
#[path = "../../../src/lib.rs"]
mod common;

use axum::Router;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use common::Error;
use futures_util::{FutureExt, SinkExt, StreamExt};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{broadcast, mpsc};

type Users = HashMap<String, mpsc::UnboundedSender<Utf8Bytes>>;

#[derive(Clone)]
struct Everybody {
    all: broadcast::Sender<Utf8Bytes>,
    /// Held for one look-up, never over an await.
    users: Arc<Mutex<Users>>,
}

#[derive(serde::Deserialize)]
struct Who {
    uid: Option<String>,
}

async fn upgrade(State(everybody): State<Everybody>, Query(who): Query<Who>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.read_buffer_size(4096).on_upgrade(async move |socket| {
        // A client that leaves in the middle is none of a benchmark's business.
        let _ = talk(socket, everybody, who).await;
    })
}

async fn talk(mut socket: WebSocket, everybody: Everybody, who: Who) -> Result<(), Error> {
    let mut heard = everybody.all.subscribe();
    let mut own = who.uid.map(|user| {
        let (sender, receiver) = mpsc::unbounded_channel();
        everybody.users.lock().unwrap_or_else(PoisonError::into_inner).insert(user, sender);
        receiver
    });
    loop {
        let mine = async {
            match &mut own {
                Some(own) => own.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            text = heard.recv() => socket.feed(Message::Text(text?)).await?,
            text = mine => socket.feed(Message::Text(text.ok_or("forgotten")?)).await?,
            message = socket.next() => {
                let mut next = Some(message);
                while let Some(message) = next {
                    let Some(message) = message else { return Ok(()) };
                    if let Message::Text(text) = message? {
                        route(&mut socket, &everybody, text).await?;
                    }
                    next = socket.next().now_or_never();
                }
            }
        }
        while let Ok(text) = heard.try_recv() {
            socket.feed(Message::Text(text)).await?;
        }
        socket.flush().await?;
    }
}

async fn route(socket: &mut WebSocket, everybody: &Everybody, text: Utf8Bytes) -> Result<(), Error> {
    if text.starts_with('B') {
        everybody.all.send(text)?;
    } else if let Some(addressed) = text.strip_prefix('P') {
        let (user, text) = addressed.split_once(' ').ok_or("no text to push")?;
        let users = everybody.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.get(user).ok_or("nobody of that name")?.send(text.into())?;
    } else {
        socket.feed(Message::Text(text)).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let everybody = Everybody { all: broadcast::Sender::new(1024), users: Arc::default() };
    let app = Router::new().route("/ws", any(upgrade)).with_state(everybody);
    let listener = common::listen().await?.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, app).await
}
