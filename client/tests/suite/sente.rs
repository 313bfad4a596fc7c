//! Plain Sente: the wire without the extension.

use crate::support::{ada, builder, in_time, open_by, ready, serve_events};
use tsugi::Value;
use tsugi_client::codec::Edn;
use tsugi_client::{Paths, Transport, Wire};

async fn speaks_sente(paths: Paths, transport: Transport) {
    let server = builder().csrf(|_| Some("secret".to_owned())).build().unwrap();
    let url = serve_events(&server).await;
    let options = ada().codec(Edn::new()).wire(Wire::Sente).csrf_token("secret").transports(paths);
    let client = options.connect(&url).unwrap();
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    client.on("srv/n", move |n: i64| heard.send(n).unwrap()).unwrap();
    ready(&client).await;
    open_by(&client, transport).await;
    in_time(client.send("test/note", &1).unwrap().settled()).await.unwrap();
    assert_eq!(in_time(client.request::<String>("test/echo", "a")).await.unwrap(), "a");
    in_time(client.request::<Value>("test/push", &3)).await.unwrap();
    for n in 0..3 {
        assert_eq!(in_time(hears.recv()).await, Some(n));
    }
}

#[tokio::test]
async fn a_sente_server_is_spoken_to_over_a_websocket() {
    speaks_sente(Paths::WebSocket, Transport::WebSocket).await;
}

#[tokio::test]
async fn a_sente_server_is_spoken_to_over_ajax() {
    speaks_sente(Paths::Poll, Transport::Poll).await;
}
