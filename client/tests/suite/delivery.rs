//! What is sent arrives and is answered, by every path and in every codec.

use crate::support::{ada, builder, in_time, next_event, open_by, ready, serve_events, until};
use std::time::Duration;
use tsugi::Value;
use tsugi_client::codec::{Edn, Json};
use tsugi_client::{
    Client, ClientBuilder, Close, CloseCode, DeliveryState, Event, Paths, RequestError, SendError, State, Transport,
    Unanswered, Unsent, WhileDown,
};

async fn everything_works(options: ClientBuilder, transport: Transport) {
    let server = builder().build().unwrap();
    let client = options.connect(&serve_events(&server).await).unwrap();
    let mut events = client.events();
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    client.on("srv/n", move |n: i64| heard.send(n).unwrap()).unwrap();

    let delivery = client.send("test/note", &1).unwrap();
    in_time(delivery.settled()).await.unwrap();
    assert_eq!(delivery.state(), DeliveryState::Handled);
    let text = "ä\"\n漢".to_owned();
    assert_eq!(in_time(client.request::<String>("test/echo", &text)).await.unwrap(), text);
    in_time(client.request::<Value>("test/push", &100)).await.unwrap();
    for n in 0..100 {
        assert_eq!(in_time(hears.recv()).await, Some(n));
        assert_eq!(next_event(&mut events).await.data, Some(Value::Integer(n)));
    }
    open_by(&client, transport).await;
    assert_eq!(ready(&client).await.user, Some(Value::string("ada")));
    assert_eq!(client.pending(), 0);
}

#[tokio::test]
async fn events_and_replies_go_over_a_websocket_in_json() {
    everything_works(ada().codec(Json::new()), Transport::WebSocket).await;
}

#[tokio::test]
async fn events_and_replies_go_over_a_websocket_in_edn() {
    everything_works(ada().codec(Edn::new()), Transport::WebSocket).await;
}

#[tokio::test]
async fn events_and_replies_go_over_long_poll_in_json() {
    everything_works(ada().codec(Json::new()).transports(Paths::Poll), Transport::Poll).await;
}

#[tokio::test]
async fn events_and_replies_go_over_long_poll_in_edn() {
    everything_works(ada().codec(Edn::new()).transports(Paths::Poll), Transport::Poll).await;
}

#[tokio::test]
async fn a_message_of_many_reads_and_writes_arrives_whole() {
    let server = builder().limits(tsugi::Limits::default().max_message(1 << 20)).build().unwrap();
    let url = serve_events(&server).await;
    let text = "0123456789abcdef".repeat(1 << 14);
    for paths in [Paths::WebSocket, Paths::Poll] {
        let client = ada().transports(paths).connect(&url).unwrap();
        assert_eq!(in_time(client.request::<String>("test/echo", &text)).await.unwrap(), text);
    }
}

#[tokio::test]
async fn a_request_fails_with_what_the_server_says_or_with_what_the_reply_is_not() {
    let server = builder().build().unwrap();
    let client = Client::connect(&serve_events(&server).await).unwrap();
    let unknown = in_time(client.request::<Value>("no/such", &1)).await;
    let Err(RequestError::Unanswered(Unanswered::Failed(failure))) = unknown else { panic!("{unknown:?}") };
    assert_eq!(failure.code, "unknown-event");
    let other = in_time(client.request::<bool>("test/echo", &1)).await;
    assert!(matches!(other, Err(RequestError::Reply(_))), "{other:?}");
    let id = client.send("no namespace", &1);
    assert!(matches!(id, Err(SendError::Event(_))), "{id:?}");
}

#[tokio::test]
async fn a_panicking_handler_stops_neither_others_nor_the_client() {
    let server = builder().build().unwrap();
    let client = ada().connect(&serve_events(&server).await).unwrap();
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let panics = client.on("srv/n", |_: i64| panic!("as the test wants it")).unwrap();
    client.on("srv/n", move |n: i64| heard.send(n).unwrap()).unwrap();
    client.on("srv/n", |_: String| unreachable!("a number is no text")).unwrap();
    in_time(client.request::<Value>("test/push", &1)).await.unwrap();
    assert_eq!(in_time(hears.recv()).await, Some(0));
    panics.off();
    in_time(client.request::<Value>("test/push", &1)).await.unwrap();
    assert_eq!(in_time(hears.recv()).await, Some(0));
}

/// A port where nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/chsk", listener.local_addr().unwrap())
}

#[tokio::test]
async fn what_waits_can_be_taken_back_and_runs_out_of_time() {
    let client = Client::connect(&nobody().await).unwrap();
    let delivery = client.send("test/note", &1).unwrap();
    assert_eq!(delivery.state(), DeliveryState::Waiting);
    assert!(delivery.cancel() && !delivery.cancel());
    assert_eq!(in_time(delivery.settled()).await, Err(Unanswered::Cancelled));
    let late = client.send_event(&Event::new("test/note", &1).unwrap(), Duration::from_millis(50)).unwrap();
    assert_eq!(in_time(late.settled()).await, Err(Unanswered::Timeout));
    assert_eq!(late.state(), DeliveryState::Failed);
}

#[tokio::test]
async fn what_is_too_much_or_too_early_is_refused_at_once() {
    let url = nobody().await;
    let client = Client::builder().max_queue(1, 1 << 20).connect(&url).unwrap();
    client.send("test/note", &1).unwrap();
    assert!(matches!(client.send("test/note", &2), Err(SendError::Unsent(Unsent::QueueFull))));
    assert!(matches!(client.send_volatile("test/note", &2), Err(SendError::Unsent(Unsent::Disconnected))));
    let client = Client::builder().while_down(WhileDown::Refuse).connect(&url).unwrap();
    assert!(matches!(client.send("test/note", &1), Err(SendError::Unsent(Unsent::Disconnected))));
}

#[tokio::test]
async fn a_client_that_was_closed_says_so_and_comes_back_when_asked() {
    let server = builder().build().unwrap();
    let client = ada().connect(&serve_events(&server).await).unwrap();
    ready(&client).await;
    client.close(&Close::because(CloseCode::NORMAL, "enough"));
    until(&client, |state| matches!(state, State::Closed(_))).await;
    assert!(matches!(client.send("test/note", &1), Err(SendError::Unsent(Unsent::Disconnected))));
    assert!(in_time(client.ready()).await.is_err());
    client.reconnect();
    until(&client, |state| matches!(state, State::Open(_))).await;
    in_time(client.request::<i64>("test/echo", &1)).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_read_too_slowly_says_how_much_it_missed_and_ends_with_the_client() {
    let server = builder().build().unwrap();
    let client = ada().max_events(4).connect(&serve_events(&server).await).unwrap();
    let mut events = client.events();
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    client.on("srv/n", move |n: i64| heard.send(n).unwrap()).unwrap();
    in_time(client.request::<Value>("test/push", &20)).await.unwrap();
    while in_time(hears.recv()).await != Some(19) {}
    in_time(client.request::<i64>("test/echo", &1)).await.unwrap();
    assert_eq!(in_time(events.next()).await, Some(tsugi_client::Notice::Missed(16)));
    drop(client);
    for n in 16..20 {
        assert_eq!(next_event(&mut events).await.data, Some(Value::Integer(n)));
    }
    assert_eq!(in_time(events.next()).await, None);
}
