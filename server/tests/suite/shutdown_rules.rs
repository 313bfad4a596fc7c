//! A server that goes tells each client when to come back, so that the next one is not run over (docs/wire.md, "When the server
//! goes").

use crate::support::in_process::{ask, between};
use crate::support::{Client, builder, eventually, serve_events, soon};
use futures_util::future::join_all;
use http::{Method, StatusCode};
use std::collections::BTreeSet;
use std::time::Duration;
use tsugi::{Server, Times};

const WITHIN: Duration = Duration::from_secs(5);

/// The last answer to a poll of each of so many clients, when their server goes.
async fn last_words(server: &Server, clients: usize) -> Vec<String> {
    let mut polls = Vec::new();
    for client in 0..clients {
        let welcome = ask(server, Method::POST, client, "", "", r#"[["chsk/hello",{"received":0}],null]"#).await;
        let session = between(&welcome.body, "\"session\":\"", '"').to_owned();
        let mut poll = Box::pin(async move { ask(server, Method::GET, client, "&ack=0", &session, "").await.body });
        assert!(futures_util::poll!(&mut poll).is_pending(), "it is held");
        polls.push(poll);
    }
    tokio::join!(join_all(polls), server.shutdown(WITHIN)).0
}

fn slot_in(body: &str) -> u64 {
    assert!(body.contains("[\"chsk/close\",{\"code\":1001"), "the close is in the same answer: {body}");
    between(body, "[\"chsk/retry\",", ']').parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_clients_are_told_a_thousand_moments_spread_evenly_over_the_time() {
    let server = builder().build().unwrap();
    let slots: Vec<u64> = last_words(&server, 1_000).await.iter().map(|body| slot_in(body)).collect();
    assert_eq!(slots.iter().collect::<BTreeSet<_>>().len(), 1_000, "no two are the same");
    for second in 0..10 {
        let come = slots.iter().filter(|slot| (second * 1_000 + 1..=(second + 1) * 1_000).contains(*slot)).count();
        assert!((99..=101).contains(&come), "{come} in second {second}");
    }
    assert_eq!(slots.iter().max(), Some(&10_000));
}

#[tokio::test(start_paused = true)]
async fn few_clients_come_back_soon_and_the_time_can_be_chosen() {
    let server = builder().build().unwrap();
    let few: BTreeSet<u64> = last_words(&server, 3).await.iter().map(|body| slot_in(body)).collect();
    assert_eq!(few, BTreeSet::from([10, 20, 30]));
    let server = builder().times(Times::default().reconnect(Duration::from_millis(12))).build().unwrap();
    let fewer: BTreeSet<u64> = last_words(&server, 3).await.iter().map(|body| slot_in(body)).collect();
    assert_eq!(fewer, BTreeSet::from([4, 8, 12]));
    let server = builder().times(Times::default().reconnect(Duration::ZERO)).build().unwrap();
    for body in last_words(&server, 3).await {
        assert!(body.starts_with("[[\"chsk/close\""), "nothing is said of it: {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_while_the_server_goes_is_sent_away_for_different_times() {
    let server = builder().build().unwrap();
    server.shutdown(WITHIN).await;
    let mut waits = Vec::new();
    for client in 0..100 {
        let answer = ask(&server, Method::GET, client, "&handshake?=1", "", "").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        waits.push(answer.retry_after.unwrap());
    }
    for seconds in 2..12 {
        let sent_away = waits.iter().filter(|wait| **wait == seconds).count();
        assert!((8..=12).contains(&sent_away), "{sent_away} for {seconds} s");
    }
}

#[tokio::test]
async fn websockets_are_told_before_the_close_and_plain_sente_sees_nothing_new() {
    let server = builder().build().unwrap();
    let address = serve_events(&server).await;
    let mut tsugi = Client::connect(address, "/chsk?client-id=a&uid=ann&tsugi=1&codec=json").await;
    tsugi.text().await;
    tsugi.send("[[\"chsk/hello\",{\"received\":0}],null]").await;
    tsugi.text().await;
    let mut sente = Client::connect(address, "/chsk?client-id=b&uid=ann").await;
    sente.text().await;
    eventually(|| server.sessions() == 2).await;
    let going = server.clone();
    let shutdown = tokio::spawn(async move { going.shutdown(WITHIN).await });
    let retry: u64 = between(&tsugi.text().await, "[[\"chsk/retry\",", ']').parse().unwrap();
    assert!([10, 20].contains(&retry), "{retry}");
    assert_eq!(tsugi.close().await.0, 1001);
    assert_eq!(sente.close().await.0, 1001);
    drop((tsugi, sente));
    soon(shutdown).await.unwrap();
}
