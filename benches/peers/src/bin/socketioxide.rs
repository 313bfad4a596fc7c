//! socketioxide with handlers as its documentation has them. Its read buffer is 4 KiB by default, so nothing is set but
//! how much may wait for one client: a burst must fit.

// The file and not the crate, so that no change of Tsugi builds the peers anew.
#[path = "../../../src/lib.rs"]
mod common;

use axum::Router;
use axum::serve::ListenerExt;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};

async fn connected(socket: SocketRef) {
    let query = socket.req_parts().uri.query().unwrap_or_default();
    if let Some(user) = query.split('&').find_map(|pair| pair.strip_prefix("uid=")) {
        socket.join(user.to_owned());
    }
    // What cannot be sent goes to a client that left.
    socket.on("echo", async |Data::<String>(text), ack: AckSender| drop(ack.send(&text)));
    socket.on("broadcast", async |Data::<String>(text), io: SocketIo| drop(io.emit("said", &text).await));
    socket.on("push", async |Data::<(String, String)>((to, text)), io: SocketIo| {
        drop(io.to(to).emit("said", &text).await);
    });
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), common::Error> {
    let (layer, io) = SocketIo::builder().max_buffer_size(1024).build_layer();
    io.ns("/", connected);
    let app = Router::new().layer(layer);
    let listener = common::listen().await?.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, app).await?)
}
