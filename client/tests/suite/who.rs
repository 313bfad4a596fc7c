//! Who the client is: headers, tokens, and what the server says when it will have none of it.

use crate::support::{ada, builder, in_time, ready, serve_events, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tsugi::{Refusal, Server, UserId};
use tsugi_client::{Client, CloseCode, Paths, Reason, State};

#[tokio::test]
async fn a_token_from_an_async_function_opens_the_door_on_both_paths_and_is_asked_for_again() {
    let server = builder().csrf(|_| Some("secret".to_owned())).build().unwrap();
    let url = serve_events(&server).await;
    for paths in [Paths::WebSocket, Paths::Poll] {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let token = move || {
            count.fetch_add(1, Ordering::SeqCst);
            async {
                tokio::task::yield_now().await;
                Some("secret".to_owned())
            }
        };
        let client = ada().transports(paths).csrf_token_with(token).connect(&url).unwrap();
        ready(&client).await;
        assert_eq!(in_time(client.request::<i64>("test/echo", &1)).await.unwrap(), 1);
        client.reconnect();
        assert_eq!(in_time(client.request::<i64>("test/echo", &2)).await.unwrap(), 2);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn without_the_token_there_is_no_connection_and_the_reason_is_told() {
    let server = builder().csrf(|_| Some("secret".to_owned())).build().unwrap();
    let client = ada().transports(Paths::Poll).csrf_token("wrong").connect(&serve_events(&server).await).unwrap();
    let ended = in_time(client.ready()).await.unwrap_err();
    assert_eq!((ended.0.reason, ended.0.status), (Reason::Refused, Some(403)));
}

#[tokio::test]
async fn a_refused_client_stops_with_the_reason_whatever_it_may_use() {
    let server = Server::builder().identify(|_| Err(Refusal::unauthorized())).build().unwrap();
    let url = serve_events(&server).await;
    for paths in [Paths::Both, Paths::WebSocket, Paths::Poll] {
        let client = Client::builder().transports(paths).connect(&url).unwrap();
        let ended = in_time(client.ready()).await.unwrap_err();
        assert_eq!((ended.0.reason, ended.0.status), (Reason::Refused, Some(401)), "{paths:?}");
    }
}

#[tokio::test]
async fn a_close_code_of_the_application_says_whether_to_come_back() {
    let server = builder().build().unwrap();
    let url = serve_events(&server).await;
    for paths in [Paths::WebSocket, Paths::Poll] {
        let client = ada().transports(paths).connect(&url).unwrap();
        ready(&client).await;
        server.close(&UserId::from("ada"), CloseCode::app(4000), "come back").await.unwrap();
        let waiting = until(&client, |state| matches!(state, State::Waiting { .. })).await;
        let State::Waiting { loss, .. } = waiting else { unreachable!() };
        assert_eq!((loss.code, loss.message.as_deref()), (Some(CloseCode::app(4000)), Some("come back")));
        ready(&client).await;
        assert_eq!(in_time(client.request::<i64>("test/echo", &2)).await.unwrap(), 2);
        server.close(&UserId::from("ada"), CloseCode::app(4500), "signed out").await.unwrap();
        let ended = until(&client, |state| matches!(state, State::Closed(_))).await;
        let State::Closed(loss) = ended else { unreachable!() };
        assert_eq!((loss.code, loss.message.as_deref()), (Some(CloseCode::app(4500)), Some("signed out")));
    }
}
