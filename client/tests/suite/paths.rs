//! Falling back and climbing.

use crate::support::{Gate, ada, builder, in_time, open_by, ready};
use tsugi_client::{Transport, Value, Verdict};

#[tokio::test]
async fn a_refused_upgrade_leads_to_polling_and_an_open_gate_back_with_nothing_lost() {
    let server = builder().build().unwrap();
    let gate = Gate::default();
    gate.shut();
    let client = ada().connect(&gate.serve(&server).await).unwrap();
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    client.on("srv/n", move |n: i64| heard.send(n).unwrap()).unwrap();
    let open = ready(&client).await;
    assert_eq!((open.transport, open.why), (Transport::Poll, Verdict::Refused));
    in_time(client.request::<Value>("test/push", &10)).await.unwrap();

    gate.open();
    client.network_changed();
    in_time(client.request::<Value>("test/push", &10)).await.unwrap();
    open_by(&client, Transport::WebSocket).await;
    in_time(client.request::<Value>("test/push", &10)).await.unwrap();
    for n in (0..10).chain(0..10).chain(0..10) {
        assert_eq!(in_time(hears.recv()).await, Some(n));
    }
    assert_eq!(server.sessions(), 1);
}

#[tokio::test]
async fn a_reconnect_behind_a_gate_that_was_shut_meanwhile_goes_on_by_polling_in_the_same_session() {
    let server = builder().build().unwrap();
    let gate = Gate::default();
    let client = ada().connect(&gate.serve(&server).await).unwrap();
    open_by(&client, Transport::WebSocket).await;
    gate.shut();
    client.reconnect();
    open_by(&client, Transport::Poll).await;
    assert_eq!(ready(&client).await.outcome, tsugi_client::Outcome::Resumed);
    assert_eq!(in_time(client.request::<i64>("test/echo", &7)).await.unwrap(), 7);
}
