//! Sente 1.8.1, 1.16.2 and 1.20.0 as they were recorded, and real clients of them. Rows H, C3 and C12 of `sente/ROWS.md`.

use crate::{serve, until};
use conformance::raw::{Answer, Raw, client_frame};
use conformance::replay::replay;
use std::net::SocketAddr;
use std::time::Duration;
use tsugi::codec::{Edn, MessagePack};
use tsugi::{ConfigError, Server, Wire};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded;charset=UTF-8";

/// Plays these scripts of one version, each against a server of its own, all at once: most of their time is waiting.
async fn play(version: &str, scripts: &[&str]) {
    let mut playing = tokio::task::JoinSet::new();
    for script in scripts {
        let name = format!("{version}/{script}");
        playing.spawn(async move { replay(serve().await, &name).await });
    }
    let mut failed = 0;
    while let Some(played) = playing.join_next().await {
        failed += usize::from(played.is_err());
    }
    assert_eq!(failed, 0, "of {} scripts of {version}", scripts.len());
}

/// Every version is asked the same things.
macro_rules! replays {
    ($($version:literal: $($name:ident [$($script:literal),+ $(,)?]),+;)+) => {
        $($(#[tokio::test]
        async fn $name() {
            play($version, &[$($script),+]).await;
        })+)+
    };
}

replays! {
    "v1.20.0":
    h1_v1_20_shakes_hands_and_is_let_in_as_it_was [
        "01-ws-handshake", "02-ws-handshake-nil-uid-no-hsdata", "13-bad-csrf", "14-missing-client-id",
        "15-unauthorized", "16-bad-origin", "27-uid-from-client-id",
    ],
    h1_v1_20_sends_asks_and_is_pushed_to [
        "05-ws-event-no-cb", "06-ws-event-cb-reply", "07-ws-push", "08-ws-push-buffered",
        "23-push-during-reconnect", "26-push-nouid-and-chsk", "29-edn-values",
    ],
    h1_v1_20_polls_and_posts [
        "09-ajax-handshake-poll-push", "10-ajax-lp-timeout", "11-ajax-post-no-cb", "12-ajax-post-cb",
    ],
    h1_c12_v1_20_is_pinged_closed_and_comes_back [
        "03-ws-client-ping", "04-ws-server-ping", "19-chsk-close", "20-ws-disconnect-grace",
    ],
    h1_c3_v1_20_is_not_thrown_out_for_what_nobody_can_read [
        "17-bad-package", "18-bad-event", "24-spoofed-internal-events", "25-ws-binary-frame-edn",
    ],
    h1_real_clients_of_1_20_on_their_path_and_on_the_default_one [
        "client-ws", "client-ajax", "client-ws-on-the-default-path", "client-ajax-on-the-default-path",
    ];

    "v1.16.2":
    h2_h6_h8_v1_16_shakes_hands_and_is_let_in_as_it_was [
        "01-ws-handshake", "02-ws-handshake-nil-uid-no-hsdata", "13-bad-csrf", "14-missing-client-id",
        "15-unauthorized", "16-bad-origin", "27-uid-from-client-id",
    ],
    h2_v1_16_sends_asks_and_is_pushed_to [
        "05-ws-event-no-cb", "06-ws-event-cb-reply", "07-ws-push", "08-ws-push-buffered",
        "23-push-during-reconnect", "26-push-nouid-and-chsk", "29-edn-values",
    ],
    h2_h3_v1_16_polls_and_posts [
        "09-ajax-handshake-poll-push", "10-ajax-lp-timeout", "11-ajax-post-no-cb", "12-ajax-post-cb",
    ],
    h2_h9_c12_v1_16_is_pinged_by_its_websocket_and_hung_up_on_without_a_close [
        "03-ws-client-ping", "04-ws-server-ping", "19-chsk-close", "20-ws-disconnect-grace",
    ],
    h2_c3_v1_16_is_not_thrown_out_for_what_nobody_can_read [
        "17-bad-package", "18-bad-event", "24-spoofed-internal-events", "25-ws-binary-frame-edn",
    ],
    h2_real_clients_of_1_16 ["client-ws", "client-ajax"],
    h7_real_clients_of_1_16_on_the_default_path_are_answered_in_their_own_version [
        "client-ws-on-the-default-path", "client-ajax-on-the-default-path",
    ];

    "v1.8.1":
    h2_h6_h8_v1_8_shakes_hands_as_it_did_but_is_given_no_token [
        "01-ws-handshake", "02-ws-handshake-nil-uid-no-hsdata", "14-missing-client-id", "27-uid-from-client-id",
    ],
    h2_v1_8_sends_asks_and_is_pushed_to [
        "05-ws-event-no-cb", "06-ws-event-cb-reply", "07-ws-push", "08-ws-push-buffered",
        "23-push-during-reconnect", "26-push-nouid-and-chsk", "29-edn-values",
    ],
    h2_h3_v1_8_polls_and_posts [
        "09-ajax-handshake-poll-push", "10-ajax-lp-timeout", "11-ajax-post-no-cb", "12-ajax-post-cb",
    ],
    h4_v1_8_is_pinged_by_its_websocket_only [
        "03-ws-client-ping", "04-ws-server-ping", "19-chsk-close", "20-ws-disconnect-grace",
    ],
    h2_c3_v1_8_is_not_thrown_out_for_what_nobody_can_read [
        "17-bad-package", "18-bad-event", "24-spoofed-internal-events", "25-ws-binary-frame-edn",
    ],
    h2_h10_real_clients_of_1_8 ["client-ws", "client-ajax"],
    h7_a_real_poller_of_1_8_is_known_on_the_default_path_by_its_first_request ["client-ajax-on-the-default-path"];
}

async fn open(address: SocketAddr, path: &str, handshake: &str) -> Raw {
    let mut client = Raw::connect(address).await;
    assert_eq!(client.upgrade(path).await, 101);
    assert_eq!(client.text().await, handshake);
    client
}

async fn ask<L: AsRef<str>>(address: SocketAddr, lines: &[L], body: &str) -> Answer {
    let mut client = Raw::connect(address).await;
    client.request(lines, body).await;
    client.answer().await
}

async fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &[format!("GET {path} HTTP/1.1")], "").await.body
}

const PATHS: [(&str, &str); 3] = [
    ("/chsk-open", "[[:chsk/handshake [\"u\" nil nil]] nil]"),
    ("/v2/chsk-open", "[[:chsk/handshake [\"u\" nil]]]"),
    ("/v1/chsk-open", "-[:chsk/handshake [\"u\" nil]]"),
];

#[tokio::test]
async fn h1_h2_one_push_reaches_a_user_s_clients_of_every_version_in_their_own_words() {
    let address = serve().await;
    let mut clients = Vec::new();
    for (number, (path, handshake)) in PATHS.into_iter().enumerate() {
        clients.push(open(address, &format!("{path}?client-id=c{number}&uid=u"), handshake).await);
    }
    clients[2].send("+[[:test/push 2]]").await;
    let mut heard = Vec::new();
    for client in &mut clients {
        heard.push(client.text().await);
    }
    let batches = ["[[[:srv/n 0] [:srv/n 1]] nil]", "[[[:srv/n 0] [:srv/n 1]]]", "-[[:srv/n 0] [:srv/n 1]]"];
    assert_eq!(heard, batches);
}

#[tokio::test]
async fn h7_a_client_of_1_16_on_another_path_is_answered_in_its_own_version_from_its_first_word_on() {
    let address = serve().await;
    for (path, handshake) in &PATHS[..2] {
        let mut client = open(address, &format!("{path}?client-id=c&uid=u"), handshake).await;
        client.send("+[[:test/echo 1] \"a\"]").await;
        assert_eq!(client.text().await, "+[{:echo 1} \"a\"]");
        client.send("+[[:test/push 2]]").await;
        assert_eq!(client.text().await, "-[[:srv/n 0] [:srv/n 1]]");
        client.send("+[[:test/close]]").await;
        assert!(client.frame().await.is_empty(), "no close frame, after which it would stay away");
    }
}

#[tokio::test]
async fn h7_a_client_that_was_taken_for_1_16_and_is_newer_shakes_hands_anew() {
    let address = serve().await;
    let mut old = open(address, "/chsk-open?client-id=c&uid=u", PATHS[0].1).await;
    old.send("+[[:test/echo 1] \"a\"]").await;
    assert_eq!(old.text().await, "+[{:echo 1} \"a\"]");
    drop(old);
    let mut new = open(address, "/chsk-open?client-id=c&uid=u", PATHS[0].1).await;
    new.send("[[:test/echo 1] \"a\"]").await;
    assert_eq!(new.text().await, "[{:echo 1} \"a\"]");
}

#[tokio::test]
async fn h3_a_held_poll_of_1_8_ends_with_a_batch_of_nothing_and_never_with_the_word_that_stops_it() {
    let address = serve().await;
    let path = "/v1/chsk-fast?client-id=c&uid=u&_=1";
    assert_eq!(get(address, &format!("{path}&handshake%3F=true")).await, PATHS[2].1);
    assert_eq!(get(address, path).await, "-[]", "after its time");
    let mut first = Raw::connect(address).await;
    first.request(&[format!("GET {path} HTTP/1.1")], "").await;
    until(async || get(address, "/conns").await, |online| online.contains("/chsk-fast ws=[] ajax=[u]")).await;
    let mut second = Raw::connect(address).await;
    second.request(&[format!("GET {path} HTTP/1.1")], "").await;
    assert_eq!(first.answer().await.body, "-[]", "when another takes its place");
}

#[tokio::test]
async fn h4_a_client_of_1_8_that_answers_its_websocket_s_pings_stays_and_one_that_does_not_is_hung_up_on() {
    let address = serve().await;
    let mut client = open(address, "/v1/chsk-fast?client-id=c&uid=u", PATHS[2].1).await;
    for _ in 0..3 {
        assert_eq!(client.frame().await, [0x89, 0]);
        client.write(&client_frame(0x8a, b"")).await;
    }
    assert_eq!(client.frame().await, [0x89, 0]);
    assert!(client.frame().await.is_empty());
}

#[tokio::test]
async fn h5_clients_before_1_3_are_told_what_to_do() {
    let address = serve().await;
    for path in ["/chsk-open", "/chsk-v1", "/chsk-v2"] {
        let websocket = {
            let mut client = Raw::connect(address).await;
            let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
            let first = format!("GET {path} HTTP/1.1");
            let lines = [&first, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", key];
            client.request(&lines, "").await;
            client.answer().await
        };
        let poll = ask(address, &[format!("GET {path}?_=1&ajax-client-uuid=a HTTP/1.1")], "").await;
        let edn = "edn=%7B%3Achsk%2Fclj%20%5B%3Achsk%2Fhandshake%20%3Aajax%5D%7D&_=1";
        let post = ask(address, &[&format!("POST {path} HTTP/1.1"), FORM], edn).await;
        for answer in [websocket, poll, post] {
            assert_eq!(answer.status, 400);
            assert!(answer.body.contains("before 1.3") && answer.body.contains("update"), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn c3_what_cannot_be_decoded_reaches_the_application_as_it_came() {
    let address = serve().await;
    let mut client = open(address, "/chsk-v1?client-id=c&uid=u", PATHS[2].1).await;
    client.send("+[[:test/echo 1").await;
    client.send("+[[:test/echo 1] \"after\"]").await;
    assert_eq!(client.text().await, "+[{:echo 1} \"after\"]", "the connection goes on");
    let log = get(address, "/log").await;
    assert!(log.contains("/chsk-v1 event [:chsk/bad-package \"+[[:test/echo 1\"]"), "{log}");
}

/// Scenarios 21 and 22 of each version: two connections at once, whose order a script cannot say.
#[tokio::test]
async fn scenarios_21_22_two_clients_of_a_user_and_two_sockets_of_a_client() {
    let address = serve().await;
    for (path, handshake, push, one) in [
        ("/v2/chsk-fast", PATHS[1].1, "[[:test/push 1]]", "[[[:srv/n 0]]]"),
        ("/v1/chsk-fast", PATHS[2].1, "+[[:test/push 1]]", "-[[:srv/n 0]]"),
    ] {
        let mut first = open(address, &format!("{path}?client-id=a&uid=u"), handshake).await;
        let mut second = open(address, &format!("{path}?client-id=b&uid=u"), handshake).await;
        first.send(push).await;
        assert_eq!((first.text().await.as_str(), second.text().await.as_str()), (one, one));
        let mut newer = open(address, &format!("{path}?client-id=b&uid=u"), handshake).await;
        assert_eq!(second.close_code().await, 3500, "better: the reference leaves it open and deaf");
        newer.send(push).await;
        assert_eq!((first.text().await.as_str(), newer.text().await.as_str()), (one, one));
        for mut client in [first, newer] {
            client.write(&client_frame(0x88, &1000_u16.to_be_bytes())).await;
            assert_eq!(client.close_code().await, 1000);
        }
        until(async || get(address, "/conns").await, |online| online.contains("/chsk-fast ws=[] ajax=[] any=[]")).await;
    }
    let log = get(address, "/log").await;
    assert_eq!(log.matches(":chsk/uidport-close").count(), 2, "{log}");
}

/// Scenario 28 of each version.
#[tokio::test]
async fn scenario_28_an_older_poller_that_hung_up_leaves_after_its_grace() {
    let address = serve().await;
    for (path, handshake) in [("/v2/chsk-fast", PATHS[1].1), ("/v1/chsk-fast", PATHS[2].1)] {
        assert_eq!(get(address, &format!("{path}?client-id=p&uid=u&udt=1&handshake%3F=true")).await, handshake);
        let mut poll = Raw::connect(address).await;
        poll.request(&[format!("GET {path}?client-id=p&uid=u&udt=1 HTTP/1.1")], "").await;
        until(async || get(address, "/conns").await, |online| online.contains("/chsk-fast ws=[] ajax=[u]")).await;
        drop(poll);
        until(async || get(address, "/conns").await, |online| online.contains("/chsk-fast ws=[] ajax=[] any=[]")).await;
    }
    assert_eq!(get(address, "/log").await.matches(":chsk/uidport-close \"u\"").count(), 2);
}

#[tokio::test]
async fn an_older_version_of_a_binary_codec_is_a_mistake_that_is_named() {
    let server = Server::builder().codec(MessagePack::new()).codec(Edn::new()).build().unwrap();
    assert!(matches!(server.service_for(Wire::SenteV1), Err(ConfigError::OlderWire)));
    assert!(server.service_for(Wire::Current).is_ok());
}

#[tokio::test]
async fn h9_after_a_hang_up_the_same_client_goes_on_where_it_was() {
    let address = serve().await;
    let mut client = open(address, "/v1/chsk-open?client-id=c&uid=u", PATHS[2].1).await;
    client.send("+[[:test/close]]").await;
    assert!(client.frame().await.is_empty());
    let mut again = open(address, "/v1/chsk-open?client-id=c&uid=u", PATHS[2].1).await;
    again.send("+[[:test/echo :back] \"b\"]").await;
    assert_eq!(again.text().await, "+[{:echo :back} \"b\"]");
    assert!(again.is_quiet(Duration::from_millis(100)).await);
}

#[tokio::test]
async fn h2_transit_goes_in_the_older_envelopes_too() {
    let address = serve().await;
    let mut client = open(address, "/v1/chsk-transit?client-id=c&uid=u", "-[\"~:chsk/handshake\",[\"u\",null]]").await;
    client.send("+[[\"~:test/echo\",[\"~:again\",\"~:again\"]],\"a\"]").await;
    assert_eq!(client.text().await, "+[[\"^ \",\"~:echo\",[\"~:again\",\"^1\"]],\"a\"]");
    client.send("+[[\"~:test/push\",2]]").await;
    assert_eq!(client.text().await, "-[[\"~:srv/n\",0],[\"^0\",1]]");
}
