//! axum's own `ws` with a broadcast channel, its read buffer set to 4 KiB: its default of 128 KiB is cleared at every
//! poll and would make it several times slower.

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use tokio::sync::broadcast;

type Everybody = broadcast::Sender<Utf8Bytes>;

async fn upgrade(State(everybody): State<Everybody>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.read_buffer_size(4096).on_upgrade(move |socket| async move {
        let _ = talk(socket, everybody).await;
    })
}

async fn talk(mut socket: WebSocket, everybody: Everybody) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut heard = everybody.subscribe();
    loop {
        tokio::select! {
            text = heard.recv() => socket.send(Message::Text(text?)).await?,
            message = socket.recv() => match message {
                None => return Ok(()),
                Some(message) => match message? {
                    Message::Text(text) if text.starts_with('B') => { everybody.send(text)?; }
                    Message::Text(text) => socket.send(Message::Text(text)).await?,
                    _ => {}
                },
            },
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let (everybody, _) = broadcast::channel(1024);
    let app = Router::new().route("/ws", any(upgrade)).with_state(everybody);
    let listener = tsugi_benches::listen().await?;
    axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |io| {
            let _ = io.set_nodelay(true);
        }),
        app,
    )
    .await
}
