//! Volatile events of a server: who does not keep up goes without them, and everything else arrives.

use crate::support::builder;
use crate::support::in_process::{ask, between};
use http::Method;
use tsugi::event::Volatile;
use tsugi::{Event, Server, Target};

/// A client between two polls, by its session.
async fn polling(server: &Server) -> String {
    let welcome = ask(server, Method::POST, 1, "", "", r#"[["chsk/hello",{"received":0}],null]"#).await;
    let session = between(&welcome.body, "\"session\":\"", '"').to_owned();
    server.push(Target::Everyone, Event::bare("srv/first")).await.expect("pushed");
    let first = ask(server, Method::GET, 1, "&ack=0", &session, "").await;
    assert_eq!(first.body, "[[\"chsk/from\",1],null]\n[[[\"srv/first\"]],null]");
    session
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_is_counted_and_leaves_no_gap() {
    let server = builder().build().unwrap();
    let session = polling(&server).await;
    let mut sessions = 0;
    for n in 0..20 {
        let noise = Volatile::new(Event::new("srv/noise", &n));
        sessions += server.broadcast(noise).await.expect("pushed").sessions;
    }
    server.broadcast(Event::bare("srv/last")).await.expect("pushed");
    assert_eq!((sessions, server.metrics().volatile_dropped), (9, 11));
    let brought = ask(&server, Method::GET, 1, "&ack=1", &session, "").await.body;
    let noises: Vec<_> = (0..9).map(|n| format!("[\"srv/noise\",{n}]")).collect();
    assert_eq!(brought, format!("[[\"chsk/from\",2],null]\n[[{},[\"srv/last\"]],null]", noises.join(",")));
    assert_eq!(server.metrics().gaps, 0);
}

#[tokio::test(start_paused = true)]
async fn of_those_with_one_key_a_client_that_does_not_keep_up_gets_the_newest() {
    let server = builder().build().unwrap();
    let session = polling(&server).await;
    for n in 0..5 {
        for who in ["ann", "bob"] {
            let at = Event::new("srv/at", &(who, n));
            server.broadcast(Volatile::latest(format!("at {who}"), at)).await.expect("pushed");
        }
    }
    assert_eq!((server.metrics().volatile_replaced, server.metrics().volatile_dropped), (8, 0));
    let brought = ask(&server, Method::GET, 1, "&ack=1", &session, "").await.body;
    assert_eq!(brought, "[[\"chsk/from\",2],null]\n[[[\"srv/at\",[\"ann\",4]],[\"srv/at\",[\"bob\",4]]],null]");
}
